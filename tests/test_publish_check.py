"""check: a card's claims against records; a card of true claims is called wrong in at most one of twenty."""

from __future__ import annotations

import json
import random
from pathlib import Path

import evaluation_manager as manager
import numpy as np
import pytest
from local_hub import LocalHub
from publish_faults import record
from record_writer import write_record

REPO = "me/Foo-7B"


# --- The error of the whole family -------------------------------------------------------------------------------


def wrong_cards(claims: int, rounding: float, share_of_items: float, cards: int = 3000, off: float = 0.0) -> float:
    """The share of cards of which a claim is called wrong; true claims, but for the first one's `off`."""
    rng = np.random.default_rng(claims)
    level = 1 - 0.95 ** (1 / claims)
    wrong = 0
    for _ in range(cards):
        rates = rng.beta(1.2, 1.2, claims)
        ns = rng.choice([60, 164, 541, 1319, 12032], claims)
        ours = rng.binomial(ns, rates) / ns
        theirs = np.maximum((ns * share_of_items).astype(int), 10)
        told = rng.binomial(theirs, rates) / theirs
        told[0] += off
        told = np.clip(np.round(told / rounding) * rounding, 0, 1)
        scores = [manager.MeasuredScore(float(value), int(n)) for value, n in zip(ours, ns, strict=True)]
        fits = [manager.claim_fits(float(c), rounding / 2, s, level) for c, s in zip(told, scores, strict=True)]
        wrong += not all(fits)
    return wrong / cards


@pytest.mark.parametrize("claims", [1, 5, 30])
@pytest.mark.parametrize("rounding", [0.01, 0.001, 0.0001])
def test_true_claims_are_called_wrong_in_at_most_one_card_of_twenty(claims: int, rounding: float) -> None:
    assert wrong_cards(claims, rounding, 1.0, cards=600 if claims == 30 else 2000) <= 0.05 + 0.01


def test_a_false_claim_is_found() -> None:
    assert wrong_cards(1, 0.001, 1.0, off=0.3) > 0.8


def test_clustered_scores_use_their_own_error() -> None:
    rng = np.random.default_rng(7)
    wrong = 0
    for _ in range(1500):
        groups = rng.beta(2, 2, 80)
        ours, theirs = (rng.binomial(10, rng.permutation(groups)[:80]) / 10 for _ in range(2))
        other = rng.binomial(10, rng.beta(2, 2, 80)) / 10
        value, error = float(ours.mean()), float(ours.std(ddof=1) / np.sqrt(80))
        score = manager.MeasuredScore(value, 800, standard_error=error)
        wrong += not manager.claim_fits(float(other.mean()), 0.0005, score, 0.05)
        del theirs
    assert wrong / 1500 <= 0.06


def test_lost_answers_widen_what_fits() -> None:
    whole, holes = manager.MeasuredScore(0.8, 1000), manager.MeasuredScore(0.8, 1000, lost=200)
    assert not manager.claim_fits(0.68, 0.0005, whole, 0.05) and manager.claim_fits(0.68, 0.0005, holes, 0.05)
    assert manager.measured_interval(holes, 0.05)[0] < manager.measured_interval(whole, 0.05)[0]


@pytest.mark.parametrize("value", [0.0, 0.01, 0.5, 0.7157, 1.0])
@pytest.mark.parametrize(("n", "lost", "error"), [(1319, 0, None), (40, 3, None), (500, 0, 0.03)])
def test_what_fits_is_what_the_interval_holds(value: float, n: int, lost: int, error: float | None) -> None:
    score = manager.MeasuredScore(value, n, lost, error)
    low, high = manager.measured_interval(score, 0.05, 0.0005)
    for claim in np.linspace(0, 1, 2001):
        assert manager.claim_fits(float(claim), 0.0005, score, 0.05) is bool(low - 1e-9 <= claim <= high + 1e-9)


@pytest.mark.parametrize("positive", [True, False])
@pytest.mark.parametrize("error", [0.5, 3.0, 9.0])
def test_what_fits_an_open_metric_is_what_its_interval_holds(positive: bool, error: float) -> None:
    score = manager.OpenScore(10.0, 100, error, positive)
    low, high = manager.open_interval(score, 0.05, 0.05)
    for claim in np.linspace(0 if positive else -50, 200, 1001):
        assert manager.open_claim_fits(float(claim), 0.05, score, 0.05) is bool(low - 1e-9 <= claim <= high + 1e-9)


def two_measurements(kind: str, n: int, rng: np.random.Generator) -> tuple[float, float, float]:
    """(our score, its standard error, another measurement of the same) of word errors or of a skewed ratio."""
    if kind == "word errors":
        words = rng.integers(5, 35, (2, n))
        wrong = rng.binomial(words, rng.beta(0.4, 7, (2, n)))
        ours, theirs = wrong.sum(1) / words.sum(1)
        rest = wrong[0] - ours * words[0]
        return ours, float(np.sqrt((rest**2).sum() * n / (n - 1)) / words[0].sum()), theirs
    values = rng.lognormal(0, 1, (2, n)) if kind == "skewed" else rng.normal(5, 2, (2, n))
    return values[0].mean(), float(values[0].std(ddof=1) / np.sqrt(n)), values[1].mean()


@pytest.mark.parametrize("kind", ["word errors", "skewed", "even"])
@pytest.mark.parametrize("claims", [1, 10])
def test_true_claims_of_open_metrics_fit(kind: str, claims: int) -> None:
    rng, level, wrong, cards = np.random.default_rng(claims), 1 - 0.95 ** (1 / claims), 0, 1500 // claims
    for _ in range(cards):
        fits = []
        for n in rng.choice([60, 200, 800], claims):
            ours, error, theirs = two_measurements(kind, int(n), rng)
            score = manager.OpenScore(float(ours), int(n), error, positive=kind != "even")
            fits.append(manager.open_claim_fits(float(theirs), 0.0005, score, level))
            low, high = manager.open_interval(score, level)
            assert low < ours < high
        wrong += not all(fits)
    assert wrong / cards <= 0.06


# --- The command -------------------------------------------------------------------------------------------------

CARD = """---
license: mit
model-index:
- name: Foo-7B
  results:
  - task: {{type: text-generation}}
    dataset: {{name: MMLU-Pro, type: TIGER-Lab/MMLU-Pro, split: test}}
    metrics: [{{type: accuracy, name: Accuracy, value: {value}}}]
  - task: {{type: text-generation}}
    dataset: {{name: GSM8K, type: openai/gsm8k}}
    metrics: [{{type: exact_match, name: GSM8K, value: 77.0}}]
---
# Foo-7B

## Evaluation

| Benchmark | Foo-7B |
|---|---|
| MMLU-Pro | {table} |
"""


def check(capsys: pytest.CaptureFixture[str], *argv: object) -> tuple[int, dict, str]:
    code = manager.main(["check", *map(str, argv), "--json"])
    out, err = capsys.readouterr()
    return code, json.loads(out) if out else {}, err


def test_a_claim_that_fits_and_one_that_does_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record(tmp_path / "results", REPO, 0.449333333333)
    card, report = tmp_path / "README.md", tmp_path / "CHECK.md"
    card.write_text(CARD.format(value=45.3, table=51.2), encoding="utf-8")
    where = ("--card", card, "--results", tmp_path / "results")
    code, found, _ = check(capsys, *where, "--report", report)
    verdicts = {item["where"]: item["verdict"] for item in found["claims"]}
    assert code == 1 and verdicts == {
        "model-index[0].results[0].metrics[0].value": "not this run's number",
        "README.md table 1, row 0, column 1": "does not fit",
    }
    first = found["claims"][0]
    assert (first["claimed"], first["claim"], first["n"]) == (45.3, 0.453, 12032)
    assert first["low"] < 0.4493 < first["high"] and "harness" in first["unknown"] and "split test" in first["known"]
    assert first["reason"].startswith("0.3667 points off; another run of as many items could give it")
    assert (first["instead"], found["claims"][1]["instead"]) == ("44.9", "44.9")
    text = report.read_text(encoding="utf-8")
    assert "does not fit" in text and "12,032" in text
    card.write_text(CARD.format(value=44.93, table=44.9), encoding="utf-8")
    code, found, err = check(capsys, *where)
    assert not any("points off" in one["reason"] for one in found["claims"])  # both are 44.93, rounded
    assert code == 3 and found["judged"].startswith("2 of 3 claims judged (fits: 2; not measured here: 1, GSM8K 77.0")
    assert [(one["benchmark"], one["claimed"]) for one in found["not_measured"]] == [("GSM8K", 77.0)]
    assert "--benchmark K" in err
    code, found, _ = check(capsys, *where, "--benchmark", "MMLU-Pro")
    assert code == 0 and found["judged"].startswith("2 of 2 claims judged") and found["not_measured"] == []
    card.write_text("# Foo\n", encoding="utf-8")
    assert check(capsys, *where)[0] == 3


def table_card(folder: Path, *rows: str, head: str = "Benchmark | Foo-7B") -> Path:
    line = "|".join(["---"] * (head.count("|") + 1))
    (folder / "CARD.md").write_text("\n".join(f"| {row} |" for row in (head, line, *rows)), encoding="utf-8")
    return folder / "CARD.md"


@pytest.mark.parametrize(
    ("claimed", "code", "verdict", "off", "instead"),
    [
        ("50.2", 0, "fits", "", None), ("50", 0, "fits", "", None), ("0.502", 0, "fits", "", None),
        ("50.0", 3, "not this run's number", "0.2 points off", "50.2"),  # it has one decimal
        ("50.00", 3, "not this run's number", "0.2 points off", "50.20"),
        ("53.2", 3, "not this run's number", "3.0 points off", "50.2"),
        ("53", 3, "not this run's number", "2.8 points off", "50"),
        ("0.53", 3, "not this run's number", "2.8 points off", "0.502"),
        ("58.2", 1, "does not fit", "8.0 points off", "50.2"),
    ],
)  # fmt: skip
def test_a_claim_of_a_run_is_its_number_rounded_as_it_is_written(
    tmp_path, capsys, claimed, code, verdict, off, instead
) -> None:
    data_record(tmp_path / "r", "arc_challenge", "allenai/ai2_arc", "ARC-Challenge", 502)
    argv = ("--card", table_card(tmp_path, f"ARC-Challenge | {claimed}"), "--results", tmp_path / "r")
    found_code, found, err = check(capsys, *argv)
    (claim,) = found["claims"]
    assert (found_code, claim["verdict"], claim["instead"]) == (code, verdict, instead), claim
    assert (claim["reason"].split("; ")[0].split(",")[0] if off else "") == off
    assert len(found["next"]) == (code > 0) + (code == 3)
    if code == 3:
        assert f"arc_challenge {instead} for" in found["next"][0] and found["next"][1].endswith("--another-run")
        assert found["next"][1] in err
    other_code, found, _ = check(capsys, *argv, "--another-run")
    assert other_code == (1 if code == 1 else 0)
    assert found["claims"][0]["reason"].startswith("as another run's score: " * (code == 3))


def several_metrics(folder: Path, acc: float, acc_norm: float) -> None:
    for metric, share in (("accuracy", acc), ("acc_norm", acc_norm)):
        scores = [float(place < 1000 * share) for place in range(1000)]
        write_record(folder, REPO, scores, task="hellaswag", metric=metric, samples=False)


@pytest.mark.parametrize(
    ("row", "code", "verdict", "said"),
    [
        ("HellaSwag | | 63.5", 0, "fits", ""),
        ("HellaSwag | | 68.5", 0, "fits", "fits acc_norm; the card does not say which (accuracy: 63.5)"),
        ("HellaSwag | acc_norm | 68.5", 0, "fits", ""),
        (
            "HellaSwag | acc | 68.5",
            3,
            "cannot be told",
            "it is our acc_norm: metric share of right answers in the claim",
        ),
        ("HellaSwag | acc_norm | 63.5", 3, "cannot be told", "it is our accuracy: metric accnorm in the claim"),
        ("HellaSwag | acc_norm | 78.5", 1, "does not fit", "10.0 points off"),
        ("HellaSwag | | 66.0", 3, "not this run's number", "2.5 points off"),
    ],
)
def test_a_claim_is_held_beside_each_metric_of_the_run(tmp_path, capsys, row, code, verdict, said) -> None:
    several_metrics(tmp_path / "r", 0.635, 0.685)
    card = table_card(tmp_path, row, head="Benchmark | Metric | Foo-7B")
    found_code, found, _ = check(capsys, "--card", card, "--results", tmp_path / "r")
    (claim,) = found["claims"]
    assert (found_code, claim["verdict"]) == (code, verdict), claim
    assert claim["reason"].startswith(said)


UNLIKE_INDEX = [
    ({"name": "HellaSwag (German)"}, "the claim is called 'HellaSwag (German)'"),
    ({"name": "German HellaSwag"}, "the claim is called 'German HellaSwag'"),
    ({"name": "HellaSwag, test"}, ""),
    ({"name": "HellaSwag, dev"}, "split validation in the claim, test here"),
    ({"split": "train"}, "split train in the claim, test here"),
    ({"name": "HellaSwag (8-shot)"}, "shots 8 in the claim, 0 here"),
    ({"args": {"num_few_shot": 8}}, "shots 8 in the claim, 0 here"),
    ({"name": "HellaSwag, hard subset"}, "the claim is called"),
    ({"name": "Hella Swag benchmark"}, ""),
    ({"name": "my evaluation"}, ""),
]


@pytest.mark.parametrize("silent", [False, True])
@pytest.mark.parametrize(("more", "said"), UNLIKE_INDEX)
def test_what_a_claim_says_of_how_it_was_measured_is_in_the_record_or_is_asked(
    tmp_path, capsys, more, said, silent
) -> None:
    data_record(tmp_path / "r", "hellaswag", "Rowan/hellaswag", None)
    if silent:  # the record says neither its split nor its shots
        (path,) = (tmp_path / "r").rglob("*.json")
        data = json.loads(path.read_text(encoding="utf-8"))
        own = data["evaluation_results"][0]
        own["evaluation_result_id"] = own["evaluation_result_id"].replace("|0/", "/")
        del own["source_data"]["hf_split"], own["generation_config"]
        path.write_text(json.dumps(data), encoding="utf-8")
        said = "in the claim, not said here" if said.startswith(("shots", "split train")) else said
        said = "" if "validation" in said else said  # HellaSwag's own
    dataset = {"name": "HellaSwag", "type": "Rowan/hellaswag"} | more
    result = {"task": {"type": "x"}, "dataset": dataset, "metrics": [{"type": "accuracy", "value": 70.0}]}
    front = json.dumps({"model-index": [{"name": "Foo-7B", "results": [result]}]})
    (tmp_path / "README.md").write_text(f"---\n{front}\n---\n# Foo-7B\n", encoding="utf-8")
    code, found, _ = check(capsys, "--card", tmp_path / "README.md", "--results", tmp_path / "r")
    (claim,) = found["claims"]
    assert (code, claim["verdict"]) == ((3, "cannot be told") if said else (0, "fits")), claim
    assert said in claim["reason"]


def test_the_number_of_a_run_needs_no_error_to_be_told(tmp_path, capsys) -> None:
    write_record(tmp_path / "r", REPO, [0.0] * 5, task="wmt14_en_fr", metric="bleu", score=37.43, unit="points",
                 aggregation="bleu", samples=False)  # fmt: skip
    for value, code, said in (("37.4", 0, ""), ("37.9", 3, "5 items are too few")):
        card = table_card(tmp_path, f"WMT14 En-Fr | BLEU | {value}", head="Benchmark | Metric | Foo-7B")
        found_code, found, _ = check(capsys, "--card", card, "--results", tmp_path / "r")
        (claim,) = found["claims"]
        assert found_code == code and said in claim["reason"], claim
        assert check(capsys, "--card", card, "--results", tmp_path / "r", "--another-run")[0] == code


@pytest.mark.parametrize(
    ("named", "verdict"),
    [
        ("lm-evaluation-harness 0.4.8", "cannot be told"),
        ("OpenCompass", "cannot be told"),
        ("lighteval", "does not fit"),
    ],
)
def test_a_score_of_another_harness_is_no_contradiction(tmp_path, capsys, named, verdict) -> None:
    record(tmp_path / "results", REPO, 0.449333333333)
    for path in (tmp_path / "results").rglob("*.json"):
        told = json.loads(path.read_text()) | {"eval_library": {"name": "lighteval", "version": "0.13.0"}}
        path.write_text(json.dumps(told))
    card = tmp_path / "README.md"
    card.write_text(f"# Foo-7B\n\n| Benchmark | Harness | Foo-7B |\n|---|---|---|\n| MMLU-Pro | {named} | 51.2 |\n")
    _, found, _ = check(capsys, "--card", card, "--results", tmp_path / "results")
    (claim,) = found["claims"]
    assert claim["verdict"] == verdict and f"harness {named}" in claim["known"] and "harness" not in claim["unknown"]
    assert (named in claim["reason"]) == (verdict == "cannot be told")


@pytest.mark.parametrize(("held", "claimed"), [("0", 5), ("0", 0), ("3", 5), ("5", 5)])
def test_shots_that_the_prompts_contradict_fit_no_claim_and_are_written_nowhere(
    tmp_path, capsys, held, claimed
) -> None:
    record(tmp_path / "results", REPO, 0.449333333333)
    (path,) = (tmp_path / "results").rglob("*.json")
    data = json.loads(path.read_text(encoding="utf-8"))
    data["evaluation_results"][0]["generation_config"] = {"additional_details": {"examples_in_prompts": held}}
    path.write_text(json.dumps(data), encoding="utf-8")
    card = tmp_path / "README.md"
    text = CARD.format(value=44.9, table=44.9).replace("name: MMLU-Pro, type", f"name: MMLU-Pro ({claimed}-shot), type")
    card.write_text(text, encoding="utf-8")
    where = ("--card", card, "--results", tmp_path / "results", "--benchmark", "MMLU-Pro")
    code, found, _ = check(capsys, *where)
    (claim,) = [one for one in found["claims"] if "model-index" in one["where"]]
    assert (code, claim["verdict"]) == ((0, "fits") if held == "5" else (3, "cannot be told")), claim
    if claimed == 5 != int(held):
        assert f"says 5-shot and its prompts hold {held} examples" in claim["reason"]
    argv = ["add", "--card", card, "--results", tmp_path / "results", "--repo-id", REPO, "--dry-run"]
    manager.main([*map(str, argv)])
    out, err = capsys.readouterr()
    assert ("5-shot" in out) == (held == "5"), out
    assert (f"its prompts hold {held} examples, while its configuration says 5" in out + err) == (held != "5")


def test_a_table_that_leaves_open_whose_it_is_leaves_the_answer_open(tmp_path, capsys) -> None:
    """The metadata fits; one table is the model's and fits; another may be, and says something else."""
    record(tmp_path / "results", REPO, 0.449333333333)
    card = tmp_path / "README.md"
    unsure = "\n## More\n\n| Benchmark | Foo | Bar-7B |\n|---|---|---|\n| MMLU-Pro | 81.2 | 30.1 |\n"
    card.write_text(CARD.format(value=44.93, table=44.9) + unsure, encoding="utf-8")
    where = ("--card", card, "--repo-id", REPO, "--results", tmp_path / "results")
    code, found, err = check(capsys, *where)
    assert code == 3 and "Foo" in found["unsure"] and "--selection FILE" in err
    assert {item["verdict"] for item in found["claims"]} == {"fits"} and len(found["claims"]) == 2
    code, found, _ = check(capsys, *where, "--table", "2", "--model-name-override", "Foo")
    assert code == 1 and found["unsure"] is None
    assert [c["claimed"] for c in found["claims"] if c["verdict"] == "does not fit"] == [81.2]


def test_a_card_without_a_claim_says_what_its_tables_have(tmp_path, capsys) -> None:
    record(tmp_path / "results", REPO, 0.449333333333)
    card = tmp_path / "README.md"
    card.write_text("# Foo\n\n| Benchmark | Bar 1B (June) |\n|---|---|\n| MMLU-Pro | 44.9 |\n", encoding="utf-8")
    code, _, err = check(capsys, "--card", card, "--repo-id", REPO, "--results", tmp_path / "results")
    assert code == 3 and "no claim was found" in err and "Bar 1B (June)" in err and "inspect-tables" in err


def test_other_shots_and_partial_runs_tell_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record(tmp_path / "results", REPO, 0.449)
    card = tmp_path / "README.md"
    text = CARD.format(value=70.1, table="").replace("name: MMLU-Pro, type", "name: MMLU-Pro (0-shot), type")
    card.write_text(text, encoding="utf-8")
    code, found, _ = check(capsys, "--card", card, "--results", tmp_path / "results")
    (item,) = found["claims"]
    assert code == 3 and item["verdict"] == "cannot be told" and "shots 0 in the claim, 5 here" in item["reason"]
    (path,) = (tmp_path / "results").rglob("*.json")
    data = json.loads(path.read_text(encoding="utf-8"))
    data["evaluation_results"][0]["generation_config"] = {"additional_details": {"limit": "100"}}
    data["evaluation_results"][0]["score_details"]["uncertainty"]["num_samples"] = 100
    path.write_text(json.dumps(data), encoding="utf-8")
    card.write_text(CARD.format(value=70.1, table=""), encoding="utf-8")
    code, found, _ = check(capsys, "--card", card, "--results", tmp_path / "results")
    assert code == 3 and "a part of the items alone" in found["claims"][0]["reason"]


# A harness's data set and its configuration, by which the same benchmark goes on the Hub and in harnesses' tasks.
SAME_DATA = [
    ("boolq", "super_glue", "boolq"), ("boolq", "aps/super_glue", "boolq"), ("boolq", "google/boolq", None),
    ("hellaswag", "hellaswag", None), ("hellaswag", "Rowan/hellaswag", "default"), ("gsm8k", "gsm8k", "main"),
    ("gsm8k", "openai/gsm8k", "main"), ("arc_challenge", "ai2_arc", "ARC-Challenge"),
    ("arc_challenge", "allenai/ai2_arc", "ARC-Challenge"), ("winogrande", "winogrande", "winogrande_xl"),
    ("sst2", "glue", "sst2"), ("copa", "super_glue", "copa"), ("pubmedqa", "bigbio/pubmed_qa", "pubmed_qa_fold0"),
]  # fmt: skip


def data_record(
    folder: Path, task: str, kind: str, config: str | None, right: int = 700, of: int = 1000, **more
) -> None:
    source = {"dataset_name": kind, "source_type": "hf_dataset", "hf_repo": kind, "hf_split": "test"}
    source |= {"additional_details": {"subset": config}} if config else {}
    scores = [float(i < right) for i in range(of)]
    write_record(folder, REPO, scores, task=task, source=source, samples=False, **more)


def test_a_claim_by_the_harness_own_name_of_a_benchmark_is_not_called_unmeasured(tmp_path, capsys) -> None:
    """WikiText is -2 or -103 on a card, and the former's task in lm-eval: nearly told, so beside it, and not judged."""
    told = {"metric": "word_perplexity", "unit": "perplexity", "score": 8.4202, "error": 0.1, "lower": True}
    data_record(tmp_path / "r", "wikitext", "EleutherAI/wikitext_document_level", "wikitext-2-raw-v1", **told)
    rows = ("WikiText word perplexity | 8.42", "Wiki trivia | 8.42")
    code, found, _ = check(capsys, "--card", table_card(tmp_path, *rows), "--results", tmp_path / "r")
    assert code == 3 and [one["benchmark"] for one in found["not_measured"]] == ["Wiki trivia"]
    [claim] = found["claims"]
    assert (claim["claimed"], round(claim["ours"], 4), claim["verdict"]) == (8.42, 8.4202, "cannot be told")
    assert "the claim is called 'WikiText word perplexity'" in claim["reason"]


@pytest.mark.parametrize(("task", "kind", "config"), SAME_DATA)
def test_a_records_data_set_is_that_of_the_claim_whatever_the_harness_calls_it(
    tmp_path, capsys, task: str, kind: str, config: str | None
) -> None:
    known = manager.read_mapping()[task]
    metric = {"gsm8k": "exact_match"}.get(task, "accuracy")
    data_record(tmp_path / "results", task, kind, config, metric=metric)
    index = {"name": known["name"]} | {k: known["model_index"][k] for k in ("type", "config")}
    theirs = {"name": kind, "type": kind, "config": config or "default", "args": config}
    for value, wanted in ((70.0, 0), (78.0, 1)):
        for dataset in (index, index if kind == "bigbio/pubmed_qa" else theirs):
            result = {"task": {"type": "x"}, "dataset": dataset, "metrics": [{"type": metric, "value": value}]}
            front = json.dumps({"model-index": [{"name": "Foo-7B", "results": [result]}]})
            table = f"| Benchmark | Foo-7B |\n|---|---|\n| {known['name']} | {value} |\n"
            card = tmp_path / "README.md"
            card.write_text(f"---\n{front}\n---\n# Foo-7B\n\n{table}", encoding="utf-8")
            places = ("--card", card, "--results", tmp_path / "results")
            code, found, _ = check(capsys, *places)
            assert (code, len(found["claims"]), found["not_measured"]) == (wanted, 2, []), found
            manager.main(["add", *map(str, places), "--repo-id", REPO, "--dry-run", "--json", "--allow-partial"])
            change = json.loads(capsys.readouterr().out)
            assert bool(change["conflicts"]) == bool(wanted) and "model-index" not in str(change["added"]), change


def test_another_configuration_of_the_benchmarks_own_data_set_is_another_thing(tmp_path, capsys) -> None:
    data_record(tmp_path / "results", "gsm8k", "openai/gsm8k", "socratic", metric="exact_match")
    (tmp_path / "README.md").write_text("| Benchmark | Foo-7B |\n|---|---|\n| GSM8K | 40.2 |\n", encoding="utf-8")
    code, found, _ = check(capsys, "--card", tmp_path / "README.md", "--results", tmp_path / "results")
    assert code == 3 and found["claims"] == [] and found["judged"].startswith("0 of 1 claim judged")


@pytest.mark.parametrize(
    ("row", "verdict", "said"),
    [
        ("GSM8K (strict-match) | 5", "fits", ""),
        ("GSM8K (exact_match,strict-match) | 5", "fits", ""),
        ("GSM8K (exact match) | 5", "fits", ""),
        ("GSM8K | 5", "fits", ""),
        ("GSM8K (flexible-extract) | 5", "does not fit", "10.0 points off"),  # 80 % of those
        ("GSM8K (F1) | 5", "cannot be told", "metric f1 in the claim, exact_match (strict-match) here"),
        ("GSM8K (maj@8) | 5", "cannot be told", "metric maj8 in the claim, exact_match (strict-match) here"),
        ("GSM8K (strict-match) | 8", "cannot be told", "shots 8 in the claim, 5 here"),
    ],
)
def test_claims_of_another_metric_or_other_shots_find_theirs_or_are_told_so(
    tmp_path, capsys, row: str, verdict: str, said: str
) -> None:
    for name, metric, right in (("strict-match", "exact_match", 700), ("flexible-extract", None, 800)):
        data_record(tmp_path / "r", "gsm8k", "gsm8k", "main", right, shots=5, metric=metric or f"exact_match_{name}")
    for path in (tmp_path / "r").rglob("*.json"):  # as lm-eval calls them
        text = path.read_text(encoding="utf-8")
        data = json.loads(text)
        own = data["evaluation_results"][0]
        name = "flexible-extract" if "flexible" in own["evaluation_result_id"] else "strict-match"
        own["evaluation_result_id"] = f"gsm8k|5/exact_match,{name}"
        path.write_text(json.dumps(data), encoding="utf-8")
    card = tmp_path / "OTHER.md"
    card.write_text(f"| Benchmark | shots | Foo-7B |\n|---|---|---|\n| {row} | 70.0 |\n", encoding="utf-8")
    code, found, _ = check(capsys, "--card", card, "--results", tmp_path / "r")
    (item,) = found["claims"]
    assert (item["verdict"], code) == (verdict, {"fits": 0, "does not fit": 1, "cannot be told": 3}[verdict]), item
    assert said in item["reason"] and item["where"].startswith("OTHER.md table 1")
    assert bool(item["reason"]) == bool(said)


MIXED_UP = "another run of as many items could give it; it is our exact_match (strict-match)'s number"
FILTERED = [  # of lm-eval's two filters, neither of which the benchmark's own metric names
    ("", "71.5", 0, "fits", "fits exact_match (flexible-extract); the card does not say which"),
    ("", "70.1", 0, "fits", "fits exact_match (strict-match); the card does not say which"),
    ("exact_match", "71.5", 0, "fits", "fits exact_match (flexible-extract); the card does not say which"),
    ("exact match", ".7013", 0, "fits", "fits exact_match (strict-match)"),
    ("flexible-extract", "71.5", 0, "fits", ""),
    ("strict-match", "70.1", 0, "fits", ""),
    ("flexible-extract", "60.1", 1, "does not fit", "11.39"),
    ("exact_match,flexible-extract", "70.1", 3, "not this run's number", MIXED_UP),
    ("flexible-extract", "70.1", 3, "not this run's number", MIXED_UP),
    ("flexible-extract", "70.2", 3, "not this run's number", "1.29"),
    ("", "70.7", 3, "not this run's number", "0.57"),
    ("", "40", 1, "does not fit", "30.13 points off"),
    ("F1", "70.1", 3, "cannot be told", "measured otherwise: metric f1"),
    ("", "71,49", 0, "fits", "fits exact_match (flexible-extract)"),
    ("", "71,50", 3, "not this run's number", "0.006"),  # it has two decimals
    ("", "71.5 ± 1.2", 0, "fits", "fits exact_match (flexible-extract)"),
    ("", "71.5 (5-shot)", 0, "fits", "fits exact_match (flexible-extract)"),
]


@pytest.mark.parametrize(("metric", "claimed", "code", "verdict", "said"), FILTERED)
def test_a_claim_is_held_beside_each_filter_of_a_runs_answers(
    tmp_path, capsys, metric, claimed, code, verdict, said
) -> None:
    for name, right in (("strict-match", 925), ("flexible-extract", 943)):
        data_record(tmp_path / "r", "gsm8k", "gsm8k", "main", right, 1319, shots=5, metric=f"exact_match_{name}")
    for path in (tmp_path / "r").rglob("*.json"):  # as lm-eval calls them
        text = path.read_text(encoding="utf-8").replace("5/exact_match_", "5/exact_match,")
        path.write_text(text, encoding="utf-8")
    card = table_card(tmp_path, f"GSM8K | {metric} | {claimed}", head="Benchmark | Metric | Foo-7B")
    found_code, found, _ = check(capsys, "--card", card, "--results", tmp_path / "r")
    (claim,) = found["claims"]
    assert (found_code, claim["verdict"]) == (code, verdict), claim
    assert said in claim["reason"] and bool(said) == bool(
        claim["reason"].replace("shots not said in the claim, 5 here", "")
    )
    if verdict == "not this run's number":  # a number that is there, under another name, is no other run's
        again, found, _ = check(capsys, "--card", card, "--results", tmp_path / "r", "--another-run")
        assert (again == 0) is (said != MIXED_UP), found


@pytest.mark.parametrize(
    ("value", "code"),
    [("70.0", 0), (".7", 0), (".700", 0), ("70,0", 0), ("0,7", 0), ("70.0 ± 1.3", 0), ("70.0 (5-shot)", 0),
     ("70.0 % (± 1.3)", 0), ("70,1", 3), ("70.0 (thinking)", 3), ("1,700", 3), ("7O.0", 3)],
)  # fmt: skip
def test_a_claim_may_be_a_number_as_people_write_it(tmp_path, capsys, value: str, code: int) -> None:
    data_record(tmp_path / "r", "hellaswag", "Rowan/hellaswag", None)
    dataset, task = {"name": "HellaSwag", "type": "Rowan/hellaswag"}, {"type": "x"}
    result = {"task": task, "dataset": dataset, "metrics": [{"type": "accuracy", "value": value}]}
    front = json.dumps({"model-index": [{"name": "Foo-7B", "results": [result]}]})
    (tmp_path / "README.md").write_text(f"---\n{front}\n---\n# Foo-7B\n", encoding="utf-8")
    found_code, found, _ = check(capsys, "--card", tmp_path / "README.md", "--results", tmp_path / "r")
    assert found_code == code, found


@pytest.mark.parametrize("said", ["prompt-level strict", "prompt strict", "prompt_level_strict_acc", "strict prompt"])
def test_a_level_of_ifeval_is_the_same_however_it_is_spelled(tmp_path, capsys, said: str) -> None:
    data_record(tmp_path / "r", "ifeval", "google/IFEval", None, 358, 541, metric="prompt_level_strict_acc")
    card = table_card(tmp_path, f"IFEval ({said}) | 66.2")
    code, found, _ = check(capsys, "--card", card, "--results", tmp_path / "r")
    assert (code, [claim["verdict"] for claim in found["claims"]]) == (0, ["fits"]), found


def test_a_harness_own_results_are_said_to_need_conversion(tmp_path, capsys) -> None:
    own = tmp_path / "lm" / "me__Foo-7B"
    own.mkdir(parents=True)
    (own / "results_2026-11-29T16-50-47.123456.json").write_text("{}", encoding="utf-8")
    (tmp_path / "README.md").write_text("# Foo\n", encoding="utf-8")
    code, _, err = check(capsys, "--card", tmp_path / "README.md", "--results", tmp_path / "lm")
    assert code == 2 and "convert_results.py" in err and "results of lm-eval" in err  # 1: a claim does not fit


OPEN_CARD = """---
model-index:
- name: Foo-7B
  results:
  - task: {{type: automatic-speech-recognition}}
    dataset: {{name: LibriSpeech (clean), type: openslr/librispeech_asr, config: clean, split: test}}
    metrics: [{{type: wer, value: {wer}}}]
  - task: {{type: translation}}
    dataset: {{name: WMT14 en-fr, type: wmt14, config: fr-en}}
    metrics: [{{type: bleu, value: {bleu}}}]
  - task: {{type: text-generation}}
    dataset: {{name: WikiText-2, type: wikitext, split: test}}
    metrics: [{{type: word_perplexity, value: {perplexity}}}]
---
"""


@pytest.mark.parametrize(
    ("claims", "verdicts", "code"),
    [
        ((5.4, 38.1, 14.6), ["fits", "fits", "fits"], 0),
        ((9.9, 45.0, 30.0), ["does not fit"] * 3, 1),
        ((0.054, 38.1, 1.46), ["cannot be told", "fits", "does not fit"], 1),  # 0.054 beside 38.1 may be 0.054 %
    ],
)
def test_metrics_that_are_no_shares_are_compared_by_their_own_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], claims: tuple, verdicts: list[str], code: int
) -> None:
    items = [0.0] * 400
    common = {"n": 400, "samples": False}
    folder = tmp_path / "results"
    write_record(folder, REPO, items, task="librispeech_clean", metric="wer", score=0.0553, error=0.002, lower=True,
                 aggregation="corpus_wer", **common)  # fmt: skip
    write_record(folder, REPO, items, task="wmt14_en_fr", metric="bleu", score=37.4, error=0.6, unit="points",
                 aggregation="bleu", **common)  # fmt: skip
    write_record(folder, REPO, items, task="wikitext_2", metric="word_perplexity", score=14.9, error=0.4,
                 unit="points", aggregation="perplexity", lower=True, **common)  # fmt: skip
    card = tmp_path / "README.md"
    card.write_text(OPEN_CARD.format(wer=claims[0], bleu=claims[1], perplexity=claims[2]), encoding="utf-8")
    found_code, found, _ = check(capsys, "--card", card, "--results", folder, "--another-run")
    assert ([item["verdict"] for item in found["claims"]], found_code) == (verdicts, code), found["claims"]


@pytest.mark.parametrize(("same", "said"), [(True, "are those of the repo"), (False, "other weights than the repo's")])
def test_the_weights_are_compared(
    hub: LocalHub, tmp_path: Path, capsys: pytest.CaptureFixture[str], same: bool, said: str
) -> None:
    weights = random.Random(1).randbytes(100)
    hub.create_repo(REPO, files={"README.md": CARD.format(value=44.9, table=44.9), "model.safetensors": weights})
    record(tmp_path / "results", REPO, 0.449)
    (path,) = (tmp_path / "results").rglob("*.json")
    data = json.loads(path.read_text(encoding="utf-8"))
    digest = hub.repo(REPO).at("main").tree["model.safetensors"].lfs if same else "0" * 64
    data["model_info"]["additional_details"] = {"weights_sha256": digest}
    path.write_text(json.dumps(data), encoding="utf-8")
    code, found, _ = check(capsys, "--repo-id", REPO, "--results", tmp_path / "results", "--benchmark", "mmlu_pro")
    assert code == 0 and said in found["weights"] and hub.writes() == []
