"""Scores of a whole corpus from what its items add: against the fields' own libraries, and in gates and rankings."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import random
import re
from pathlib import Path

import benchmark_calculator
import compare_results as cr
import convert_results
import jiwer
import leaderboard
import numpy as np
import pyarrow.parquet
import pytest
import score_predictions as sp
from record_writer import sample_row, write_record
from sacrebleu.metrics import BLEU, CHRF, TER
from sacrebleu.significance import PairedTest
from scipy import stats
from sklearn.metrics import average_precision_score, f1_score, matthews_corrcoef, roc_auc_score

from parts.statistics.corpus import FORMULAS, classes_of, statistics_array
from parts.statistics.corpus_draws import Resampled, drawn_scores, randomization_p
from parts.statistics.item_statistics import OF_LABELS, OF_SUMS, score_of_items

TEXT = "the a cat dog sat on mat and ran fast over lazy big small house tree river blue green one two"
WORDS = TEXT.split()


def texts(count: int, seed: int = 1) -> list[str]:
    rng = random.Random(seed)
    return [" ".join(rng.choices(WORDS, k=rng.randint(1, 15))) for _ in range(count)]


def noisy(text: str, share: float, rng: random.Random) -> str:
    """The text with words taken out, put in and exchanged."""
    found: list[str] = []
    for word in text.split():
        kind = rng.choice("dix") if rng.random() < share else ""
        found += {"d": [], "i": [word, rng.choice(WORDS)], "x": [rng.choice(WORDS)], "": [word]}[kind]
    return " ".join(found)


def answers(references: list[str], share: float, seed: int) -> list[str]:
    rng = random.Random(seed)
    return [noisy(text, share, rng) for text in references]


def weights_of(count: int, draws: int) -> np.ndarray:
    return np.random.default_rng(0).multinomial(count, [1 / count] * count, draws)


def statistics_of(name: str, said: list[str], wanted: list[str], **options) -> np.ndarray:
    """What the items add to a metric, as the command writes it into the samples."""
    rows = [{"id": f"i{i}", "prediction": s, "reference": w} for i, (s, w) in enumerate(zip(said, wanted, strict=True))]
    metric, choices = sp.parse_metric(name), sp.Choices(model="m", draws=0, **options)
    lines = [sp.check_line(row, {}, i) for i, row in enumerate(rows, start=1)]
    scores = sp.apply_metric(metric, sp.items_of(lines, metric.family, choices), choices).scores
    return np.array(scores.statistics, float)


# --- Formulas against the libraries -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "formula", "scorer"),
    [
        ("bleu", "bleu", BLEU()),
        ("chrf", "chrf", CHRF()),
        ("chrf++", "chrf", CHRF(word_order=2)),
        ("ter", "percent_ratio", TER()),
    ],
)
def test_draws_have_the_scores_that_sacrebleu_gives_them(name, formula, scorer):
    wanted = [*texts(30), "one", ""]
    said = [*answers(texts(30), 0.4, 2), "", "two"]
    rows, weights = statistics_of(name, said, wanted), weights_of(32, 25)
    for own, weight in zip(FORMULAS[formula].weighted(rows, weights), weights, strict=True):
        picked = [i for i, count in enumerate(weight) for _ in range(count)]
        score = scorer.corpus_score([said[i] for i in picked], [[wanted[i] for i in picked]]).score
        assert own == pytest.approx(score, abs=1e-9)


def test_bleu_of_corpora_without_a_match_is_that_of_sacrebleu():
    for said, wanted in ((["x y"], ["a b"]), (["a"], ["a b c d e"]), ([""], ["a b"]), (["a b c d e"], ["a b c d e"])):
        rows = statistics_of("bleu", said, wanted)
        assert FORMULAS["bleu"].of(rows) == pytest.approx(BLEU().corpus_score(said, [wanted]).score, abs=1e-9)


@pytest.mark.parametrize("name", ["wer", "cer"])
def test_draws_have_the_error_rates_that_jiwer_gives_them(name):
    wanted, said = texts(30), answers(texts(30), 0.4, 3)
    rows, weights = statistics_of(name, said, wanted), weights_of(30, 25)
    for own, weight in zip(FORMULAS["ratio"].weighted(rows, weights), weights, strict=True):
        picked = [i for i, count in enumerate(weight) for _ in range(count)]
        rate = getattr(jiwer, name)([wanted[i] for i in picked], [said[i] for i in picked])
        assert own == pytest.approx(rate, abs=1e-12)


@pytest.mark.parametrize("classes", ["ab", "abc"])
def test_draws_of_classes_have_the_scores_that_scikit_learn_gives_them(classes):
    rng = random.Random(4)
    pairs = [(rng.choice(classes), rng.choice([*classes, "d", None])) for _ in range(40)]
    pairs = [(w, w if rng.random() < 0.5 else s) for w, s in pairs]
    weights = weights_of(40, 25)
    macro = statistics_array(pairs, "f1_macro", classes_of(pairs, "f1_macro"))
    named = [(w, s or "") for w, s in pairs]
    mcc = statistics_array(named, "mcc", classes_of(named, "mcc"))
    rows = [FORMULAS[name].weighted(own, weights) for name, own in (("f1_macro", macro), ("mcc", mcc))]
    for own_f1, own_mcc, weight in zip(*rows, weights, strict=True):
        wanted, said = zip(*(named[i] for i, count in enumerate(weight) for _ in range(count)), strict=True)
        there = sorted(set(wanted) | (set(said) & set(classes)))
        assert own_f1 == pytest.approx(f1_score(wanted, said, labels=there, average="macro", zero_division=0))
        assert own_mcc == pytest.approx(matthews_corrcoef(wanted, said), abs=1e-12)


def test_scores_by_rank_are_those_of_the_libraries():
    rng = np.random.default_rng(5)
    for _ in range(20):
        rows = np.column_stack([rng.integers(0, 6, 40) / 5, rng.random(40) < 0.4]).astype(float)
        assert FORMULAS["auroc"].of(rows) == pytest.approx(roc_auc_score(rows[:, 1], rows[:, 0]))
        assert FORMULAS["average_precision"].of(rows) == pytest.approx(average_precision_score(rows[:, 1], rows[:, 0]))
        assert FORMULAS["spearman"].of(rows) == pytest.approx(stats.spearmanr(*rows.T).statistic)


def test_paired_bootstrap_and_randomization_are_those_of_sacrebleu():
    wanted = texts(150, 6)
    systems = {"one": answers(wanted, 0.3, 7), "two": answers(wanted, 0.27, 8)}
    rows = [statistics_of("bleu", said, wanted) for said in systems.values()]
    for kind in ("bs", "ar"):
        _, found = PairedTest(list(systems.items()), {"BLEU": BLEU()}, [wanted], test_type=kind, n_samples=4000)()
        result = next(own for name, own in found.items() if name != "System")[1]
        assert FORMULAS["bleu"].of(rows[1]) == pytest.approx(result.score)
        if kind == "bs":
            drawn = drawn_scores("bleu", rows, None, 4000, [1])
            assert drawn[1].mean() == pytest.approx(result.mean, abs=0.15)
            low, high = np.quantile(drawn[1], [0.025, 0.975])
            assert (high - low) / 2 == pytest.approx(result.ci, rel=0.08)
            spread = np.abs(drawn[1] - drawn[0])
            observed = abs(FORMULAS["bleu"].of(rows[0]) - FORMULAS["bleu"].of(rows[1]))
            assert (spread - spread.mean() > observed).mean() == pytest.approx(result.p_value, abs=0.04)
        else:
            assert randomization_p("bleu", *rows, None, 4000, [2]) == pytest.approx(result.p_value, abs=0.04)


# --- In a gate and in a ranking ---------------------------------------------------------------------------------------


def scored(folder: Path, model: str, rows: list[dict], metric: str, *more: str) -> None:
    path = folder / f"{model}.jsonl"
    path.write_text("".join(json.dumps({"id": f"u{i}", **row}) + "\n" for i, row in enumerate(rows)))
    words = ["--metric", metric, "--benchmark", "my_speech", "--output-dir", str(folder / "results"), "--draws", "0"]
    assert sp.main([str(path), *(() if "--model" in more else ("--model-id", f"me/{model}")), *words, *more]) == 0


def rows_of(wanted: list[str], said: list[str | None], **more) -> list[dict]:
    return [
        {"prediction": s, "reference": w} | {name: values[i] for name, values in more.items()}
        for i, (w, s) in enumerate(zip(wanted, said, strict=True))
    ]


def gate(folder: Path, capsys, *more: str) -> dict:
    capsys.readouterr()
    words = ["--baseline", "old", "--candidate", "new", "--results", str(folder / "results"), "--json", *more]
    code = cr.main(words)
    captured = capsys.readouterr()
    assert captured.out, captured.err
    document = json.loads(captured.out)
    assert code == document["exit_code"]
    return document


@pytest.mark.parametrize("metric", ["wer", "cer", "ter", "bleu", "chrf"])
def test_a_clear_gain_over_80_utterances_is_go_and_a_clear_loss_no_go(metric, tmp_path, capsys):
    wanted = texts(80, 9)
    scored(tmp_path, "old", rows_of(wanted, answers(wanted, 0.4, 1)), metric)
    scored(tmp_path, "new", rows_of(wanted, answers(wanted, 0.1, 2)), metric)
    row = gate(tmp_path, capsys)["benchmarks"][0]
    assert (row["verdict"], row["paired"], row["n"]) == ("GO", True, 80)
    back = gate(tmp_path, capsys, "--baseline", "new", "--candidate", "old")["benchmarks"][0]
    assert back["verdict"] == "NO-GO"
    assert back["interval_95"] == pytest.approx([-end for end in reversed(row["interval_95"])], rel=0.03)
    assert (row["delta"] < 0) == row["lower_is_better"] == (metric in ("wer", "cer", "ter"))


def test_limits_are_relative_or_in_the_fields_unit(tmp_path, capsys):
    wanted = texts(400, 10)
    said = answers(wanted, 0.2, 1)
    rng = random.Random(2)
    worse = [noisy(text, 0.01, rng) for text in said]
    scored(tmp_path, "old", rows_of(wanted, said), "wer,bleu")
    scored(tmp_path, "new", rows_of(wanted, worse), "wer,bleu")
    policy = tmp_path / "policy.yaml"

    def judged(metric: str, limits: str) -> dict:
        policy.write_text(f"benchmarks: {{my_speech: {{metric: {metric}, {limits}}}}}\n")
        return gate(tmp_path, capsys, "--policy", str(policy))["benchmarks"][0]

    row = judged("wer", "note: x")
    assert row["limit"] == pytest.approx(0.01 * row["baseline"]["score"])
    assert any("1 % of the baseline's wer" in line for line in row["notes"])
    wide = judged("wer", 'max_drop: "5 WER points"')
    assert (wide["limit"], wide["verdict"]) == (0.05, "GO")
    assert judged("wer", 'max_drop: "0.1 points"')["limit"] == pytest.approx(0.001)
    assert judged("bleu", 'max_drop: "10 BLEU"')["limit"] == -10
    assert judged("bleu", 'max_drop: "2 %"')["limit"] == pytest.approx(-2)
    for metric, text, words in (("wer", "0.2 WER", "in points of 100"), ("wer", "1 BLEU", "is one of BLEU")):
        policy.write_text(f'benchmarks: {{my_speech: {{metric: {metric}, max_drop: "{text}"}}}}\n')
        code = cr.main(["--baseline", "old", "--candidate", "new", "--results", str(tmp_path / "results"),
                        "--policy", str(policy)])  # fmt: skip
        assert code == 2 and words in capsys.readouterr().err


def test_a_lost_utterance_is_as_bad_as_can_be(tmp_path, capsys):
    wanted = texts(200, 11)
    said = answers(wanted, 0.3, 1)
    hardest = sorted(range(200), key=lambda i: -jiwer.wer(wanted[i], said[i] or "x"))[:10]
    lost: list[str | None] = [None if i in hardest else text for i, text in enumerate(said)]
    scored(tmp_path, "old", rows_of(wanted, said), "wer")
    scored(tmp_path, "new", rows_of(wanted, lost), "wer")
    row = gate(tmp_path, capsys)["benchmarks"][0]
    assert row["verdict"] == "INCONCLUSIVE"
    assert any("10 of 200" in line for line in row["notes"])


@pytest.mark.parametrize("side", ["old", "new"])
@pytest.mark.parametrize("metric", ["wer", "bleu"])
def test_an_utterance_left_out_of_the_file_is_lost_like_one_without_an_answer(side, metric, tmp_path, capsys):
    wanted = texts(200, 11)
    old = answers(wanted, 0.3, 1)
    said = {"old": old, "new": [wanted[i] if i % 20 == 0 else text for i, text in enumerate(old)]}
    found = []
    for how in ("left out", "null"):
        for model, own in said.items():
            rows = rows_of(wanted, [None if model == side and i >= 191 else text for i, text in enumerate(own)])
            (tmp_path / how).mkdir(exist_ok=True)
            scored(tmp_path / how, model, rows[:191] if how == "left out" and model == side else rows, metric)
        row = gate(tmp_path / how, capsys)["benchmarks"][0]
        found.append((row["verdict"], loss_ends(row)))
    assert found[0] == found[1] and found[0][0] == "INCONCLUSIVE" and len(found[0][1]) == 1


def loss_ends(row: dict) -> list[tuple[float, float]]:
    """What the notes say of each side that lost anything: its score with all lost answers wrong, and right."""
    found = [re.search(r"; (\S+) with all of them wrong, (\S+) with all right", line) for line in row["notes"]]
    return [(float(one[1]), float(one[2])) for one in found if one]


FILLED = {
    "wer": lambda said, wanted: jiwer.wer(wanted, said),
    "cer": lambda said, wanted: jiwer.cer(wanted, said),
    "bleu": lambda said, wanted: BLEU().corpus_score(said, [wanted]).score,
    "chrf": lambda said, wanted: CHRF().corpus_score(said, [wanted]).score,
    "ter": lambda said, wanted: TER().corpus_score(said, [wanted]).score,
}


@pytest.mark.parametrize("metric", FILLED)
def test_answers_that_both_sides_lost_are_bounded_by_empty_and_perfect_ones(metric, tmp_path, capsys):
    wanted = texts(200, 21)
    sides = {"old": answers(wanted, 0.4, 1), "new": answers(wanted, 0.1, 2)}
    gone = {"old": {1, 2, 3, 50, 51}, "new": {1, 2, 3, 4, 60, 61, 62}}  # three of both, others of one
    for model, said in sides.items():
        kept = [None if i in gone[model] else text for i, text in enumerate(said)]
        scored(tmp_path, model, rows_of(wanted, kept), metric)
    row = gate(tmp_path, capsys)["benchmarks"][0]
    expected = []
    for model, said in sides.items():
        for fill in ([""] * 200, wanted):
            expected.append(FILLED[metric]([fill[i] if i in gone[model] else said[i] for i in range(200)], wanted))
    assert sum(loss_ends(row), ()) == pytest.approx(expected, rel=2e-3, abs=6e-4)
    assert row["verdict"] == "GO"  # far enough for all of them


@pytest.mark.parametrize("metric", ["f1-macro", "mcc", "f1-micro"])
def test_lost_classes_are_bounded_by_the_worst_class_that_could_have_been_said(metric, tmp_path, capsys):
    rng = random.Random(5)
    wanted = [rng.choice("aab") for _ in range(120)] + ["c", "c"]  # of c nothing was scored on either side
    for model, share in (("old", 0.4), ("new", 0.1)):
        said = [rng.choice("ab") if rng.random() < share else label for label in wanted]
        scored(
            tmp_path, model, rows_of(wanted, [None if i in (3, 4, 120, 121) else s for i, s in enumerate(said)]), metric
        )
        fills = itertools.product(["a", "b", "c", ""], repeat=4)
        whole = []
        for fill in fills:
            every = [*said[:3], *fill[:2], *said[5:120], *fill[2:]]
            if metric == "mcc":
                whole.append(matthews_corrcoef(wanted, every))
            else:
                whole.append(f1_score(wanted, every, labels=["a", "b", "c"], average=metric[3:], zero_division=0))
        if model == "old":
            low, high = min(whole), max(whole)
    row = gate(tmp_path, capsys)["benchmarks"][0]
    assert loss_ends(row)[0] == pytest.approx((low, high), abs=2e-3)


def test_a_verdict_that_answers_lost_on_both_sides_could_overturn_is_none(tmp_path, capsys):
    wanted = texts(200, 11)
    old, new = answers(wanted, 0.3, 1), answers(wanted, 0.2, 2)
    longest = set(sorted(range(200), key=lambda i: -len(wanted[i]))[:15])  # too long for both
    for model, said in (("old", old), ("new", new)):
        kept = [None if i in longest else text for i, text in enumerate(said)]
        scored(tmp_path, model, rows_of(wanted, kept), "wer")
    row = gate(tmp_path, capsys)["benchmarks"][0]
    assert row["verdict"] == "INCONCLUSIVE"
    assert any("15 of 200 of the baseline, 15 of 200 of the candidate" in line for line in row["notes"])
    (_, best_of_old), (worst_of_new, _) = loss_ends(row)
    assert best_of_old < worst_of_new  # though each of the two lost the same ones


def test_a_lost_answer_of_which_nothing_is_known_has_no_bounds(tmp_path, capsys):
    wanted = texts(200, 11)
    for model, share in (("old", 0.4), ("new", 0.05)):
        said = [None if i == 7 else text for i, text in enumerate(answers(wanted, share, 1))]
        scored(tmp_path, model, rows_of(wanted, said), "wer")
    assert gate(tmp_path, capsys)["benchmarks"][0]["verdict"] == "GO"
    without_statistics_of_the_lost(tmp_path / "results")
    row = gate(tmp_path, capsys)["benchmarks"][0]
    assert row["verdict"] == "INCONCLUSIVE" and not loss_ends(row)


@pytest.mark.parametrize("known", [True, False])
def test_a_checkpoint_that_lost_its_hardest_answers_may_not_be_the_best(known, tmp_path, capsys):
    wanted, said = texts(200, 41), {}
    for step, share in ((100, 0.30), (200, 0.30)):
        folder = tmp_path / "run" / f"step_{step}"
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}")
        (folder / "model.safetensors").write_bytes(str(step).encode() * 50)
        own = answers(wanted, share, step)
        worst = sorted(range(200), key=lambda i, own=own: -jiwer.wer(wanted[i], own[i] or "x") * len(wanted[i]))[:15]
        said[step] = own if step == 100 else [None if i in worst else text for i, text in enumerate(own)]
        scored(tmp_path, f"s{step}", rows_of(wanted, said[step]), "wer", "--model", str(folder))
    if not known:  # as records of other writers have them
        without_statistics_of_the_lost(tmp_path / "results")
    capsys.readouterr()
    words = [str(tmp_path / "run"), "--results", str(tmp_path / "results"), "--json", "--full"]
    assert benchmark_calculator.main(words) == 3  # no best one
    document = json.loads(capsys.readouterr().out)
    lost = said[200].count(None)
    assert document["best"] is None and document["tied"] == ["step_100"] and 0 < lost < 20
    line = next(
        line for line in document["notes"] if line.startswith(f"step_200: my_speech: {lost} of 200 attempts lost")
    )
    if not known:
        assert "nothing bounds what they could change" in line
        return
    ends = [
        jiwer.wer(wanted, [fill[i] if s is None else s for i, s in enumerate(said[200])])
        for fill in ([""] * 200, wanted)
    ]
    found = re.search(r"; \S+ (\S+) with all of them wrong, (\S+) with all right", line)
    assert [float(one) for one in found.groups()] == pytest.approx(ends, abs=6e-4)


def without_statistics_of_the_lost(folder: Path) -> None:
    for path in folder.rglob("*_samples.jsonl"):
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        for row in rows:
            if row.get("error"):
                del row["metadata"]["statistics"]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        record = path.with_name(path.name.replace("_samples.jsonl", ".json"))
        content = json.loads(record.read_text())
        del content["detailed_evaluation_results"]["checksum"]
        record.write_text(json.dumps(content))


def test_few_changes_are_bounded_by_what_was_not_met(tmp_path, capsys):
    wanted = texts(1500, 12)
    said = answers(wanted, 0.3, 1)
    scored(tmp_path, "old", rows_of(wanted, said), "wer")
    scored(tmp_path, "new", rows_of(wanted, [*said[:-1], said[-1] + " one"]), "wer")
    row = gate(tmp_path, capsys)["benchmarks"][0]
    assert row["verdict"] == "GO" and "only 1 items differ" in row["method"]
    assert row["interval_95"][1] > 0.001  # nearly four of 1,500 could be wholly wrong


@pytest.mark.parametrize(("metric", "count", "verdict"), [("wer", 12, "INCONCLUSIVE"), ("bleu", 40, "GO")])
def test_items_that_all_differ_by_the_same_have_no_interval_of_one_point(metric, count, verdict, tmp_path, capsys):
    wanted = [" ".join(WORDS[:10])] * count
    for model, wrong in (("old", 2), ("new", 1)):
        scored(tmp_path, model, rows_of(wanted, [" ".join(["xx"] * wrong + WORDS[wrong:10])] * count), metric)
    row = gate(tmp_path, capsys)["benchmarks"][0]
    assert row["verdict"] == verdict and f"otherwise than the {count} that all differ by the same" in row["method"]
    low, high = row["interval_95"]
    assert high - low > 3 / count * row["score"]["score"]  # three of the items not met might be wholly wrong


def test_equal_differences_of_a_metric_without_bounds_bound_nothing(tmp_path, capsys):
    rows = {f"i{i}": math.log(2 + i) for i in range(40)}
    for model, shift in (("old", 0.3), ("new", 0.2)):
        own = [{"id": name, "reference": "1", "probability": math.exp(-value - shift)} for name, value in rows.items()]
        scored(tmp_path, model, own, "log-loss")
    row = gate(tmp_path, capsys)["benchmarks"][0]
    assert row["verdict"] == "INCONCLUSIVE" and "only 0 items differ otherwise than the others" in row["method"]


def test_a_record_whose_items_do_not_make_its_score_is_not_used(tmp_path, capsys):
    wanted = texts(60, 13)
    for model, share in (("old", 0.4), ("new", 0.1)):
        scored(tmp_path, model, rows_of(wanted, answers(wanted, share, 1)), "wer")
    path = next((tmp_path / "results").rglob("new/*.json"))
    record = json.loads(path.read_text())
    record["evaluation_results"][0]["score_details"]["score"] = 0.01
    path.write_text(json.dumps(record))
    row = gate(tmp_path, capsys)["benchmarks"][0]
    assert row["verdict"] == "NOT COMPARABLE"
    assert any("not what its items' statistics give" in line for line in row["notes"])


@pytest.mark.parametrize("metric", ["wer", "bleu", "chrf"])
def test_a_score_has_one_interval_wherever_it_is_shown(metric, tmp_path, capsys):
    wanted = texts(80, 9)
    own = []
    for name, share in (("old", 0.2), ("new", 0.15)):
        scored(tmp_path, name, rows_of(wanted, answers(wanted, share, 3)), metric, "--json")
        own.append(json.loads(capsys.readouterr().out)["scores"][0]["interval"])
    row = gate(tmp_path, capsys)["benchmarks"][0]
    assert row["baseline"]["interval_95"] == pytest.approx(own[0])
    assert row["score"]["interval_95"] == pytest.approx(own[1])


def test_the_best_bleu_is_read_whatever_the_last_digits_of_a_float_are(tmp_path, capsys):
    """sacrebleu gives 100.00000000000004, which is no score beyond the range."""
    wanted = texts(80, 9)
    assert BLEU().corpus_score(wanted, [wanted]).score > 100
    for name, share in (("old", 0.2), ("new", 0.0)):
        scored(tmp_path, name, rows_of(wanted, answers(wanted, share, 3) if share else wanted), "bleu")
    capsys.readouterr()
    row = gate(tmp_path, capsys)["benchmarks"][0]
    assert (row["score"]["recorded"], row["verdict"]) == ([100], "GO")
    with pytest.raises(ValueError, match="outside its range"):
        cr.read_score({"metric_id": "bleu", "metric_unit": "points"}, {"score": 100.001}, "x", {})


@pytest.mark.parametrize(("metric", "order"), [("wer", "less is better"), ("bleu", "bleu")])
def test_checkpoints_are_ranked_by_error_rates_and_points(metric, order, tmp_path, capsys):
    wanted = texts(150, 14)
    for step, share in ((100, 0.5), (200, 0.3), (300, 0.1), (400, 0.25)):
        folder = tmp_path / "run" / f"step_{step}"
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}")
        (folder / "model.safetensors").write_bytes(str(step).encode() * 50)
        scored(tmp_path, f"s{step}", rows_of(wanted, answers(wanted, share, step)), metric, "--model", str(folder))
    capsys.readouterr()
    words = [str(tmp_path / "run"), "--results", str(tmp_path / "results"), "--baseline-step", "100"]
    assert benchmark_calculator.main([*words, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    best = next(row for row in document["checkpoints"] if row["name"] == "step_300")
    assert document["best"]["name"] == "step_300" and document["tied"] == []
    assert document["lower_is_better"] == (metric == "wer")
    assert best["ranks"] == [1, 1] and best["interval"][0] < best["eval_accuracy"] < best["interval"][1]
    assert (best["difference"]["estimate"] < 0) == (metric == "wer")
    assert (best["difference"]["high"] < 0) == (metric == "wer")
    said = statistics_of(metric, answers(wanted, 0.1, 300), wanted)
    assert best["eval_accuracy"] == pytest.approx(FORMULAS[metric if metric == "bleu" else "ratio"].of(said))
    assert document["statistics"]["corrected"]["score"] == pytest.approx(best["eval_accuracy"], rel=0.05)
    benchmark_calculator.main(words)
    assert order in capsys.readouterr().out


@pytest.mark.parametrize("formula", [*OF_SUMS, *OF_LABELS])
def test_what_readers_without_numpy_compute_is_the_same(formula):
    rng = random.Random(18)
    for _ in range(30):
        n = rng.randint(1, 12)
        if formula in OF_LABELS:
            found = [
                (rng.choice("abc"), rng.choice(["a", "b", "d", None if formula == "f1_macro" else "c"]))
                for _ in range(n)
            ]
            rows = statistics_array(found, formula, classes_of(found, formula))
        else:
            width = {"bleu": 10, "chrf": 18, "f1": 3}.get(formula, 2)
            top = [tuple(float(rng.randint(int(i == 8), 4)) for i in range(width - 1)) for _ in range(n)]
            found = [(*row[:-1], row[-1], float(rng.randint(1, 9))) for row in top]
            rows = np.array(found)
        own, other = score_of_items(found, formula), FORMULAS[formula].of(rows)
        assert own == pytest.approx(other, abs=1e-9) if own is not None else not np.isfinite(other)


def test_perplexity_is_made_of_log_likelihoods_and_lengths():
    rows = np.array([[-12.0, 10.0], [-40.0, 20.0], [-9.0, 3.0]])
    assert FORMULAS["perplexity"].of(rows) == pytest.approx(np.exp(61 / 33))
    assert FORMULAS["bits"].of(rows) == pytest.approx(61 / 33 / np.log(2))


def test_a_drop_in_one_language_is_seen_below_the_whole(tmp_path, capsys):
    wanted, rng = texts(600, 15), random.Random(16)
    language = [("de", "fr", "it")[i % 3] for i in range(600)]
    old = answers(wanted, 0.3, 1)
    new = [noisy(text, 0.5 if code == "it" else 0.06, rng) for text, code in zip(wanted, language, strict=True)]
    for model, said in (("old", old), ("new", new)):
        scored(tmp_path, model, rows_of(wanted, said, language=language), "wer,f1-token")
    policy = tmp_path / "policy.yaml"
    for metric in ("wer", "f1"):
        policy.write_text(f"benchmarks: {{my_speech: {{metric: {metric}}}}}\n")
        whole = gate(tmp_path, capsys, "--policy", str(policy), "--cluster-by", "none")
        document = gate(tmp_path, capsys, "--policy", str(policy), "--by", "language", "--cluster-by", "none")
        parts = {row["by"]: row for row in document["benchmarks"]}
        assert whole["verdict"] == "GO" and parts[None]["verdict"] == "GO"
        assert {by: row["verdict"] for by, row in parts.items() if by} == {
            "language=de": "GO", "language=fr": "GO", "language=it": "NO-GO",
        }  # fmt: skip
        assert document["verdict"] == "NO-GO" and "language=it" in document["reasons"][0]
        assert {row["n"] for by, row in parts.items() if by} == {200}
        # Family-wise: a part's pass is tested among the three, Holm's last at the full level.
        assert sorted(row["levels"]["pass"] for by, row in parts.items() if by)[0] < 0.05
        own = [i for i, code in enumerate(language) if code == "it"]
        if metric == "wer":
            score = jiwer.wer([wanted[i] for i in own], [new[i] for i in own])
            assert parts["language=it"]["score"]["score"] == pytest.approx(score)


def test_parts_of_an_unchanged_model_fail_seldom(tmp_path, capsys):
    wanted = texts(240, 17)
    language = [f"l{i % 8}" for i in range(240)]
    for model, seed in (("old", 1), ("new", 2)):
        scored(tmp_path, model, rows_of(wanted, answers(wanted, 0.3, seed), language=language), "wer")
    document = gate(tmp_path, capsys, "--by", "language", "--cluster-by", "none")
    assert document["verdict"] != "NO-GO" and len(document["benchmarks"]) == 9
    code = cr.main(
        ["--baseline", "old", "--candidate", "new", "--results", str(tmp_path / "results"), "--by", "langage"]
    )
    assert code == 2 and "did you mean language" in capsys.readouterr().err


def test_perplexities_of_a_harness_rank_and_gate(tmp_path, capsys):
    rng = np.random.default_rng(19)
    length, topic = rng.integers(50, 400, 120), rng.gamma(8, 0.25, 120)
    for model, change in (("old", 0.3), ("new", 0.0)):
        total = -length * (topic + change + 0.05 * rng.standard_normal(120))
        write_record(
            tmp_path / "results",
            f"me/{model}",
            np.exp(-total / length).tolist(),
            task="wikitext",
            metric="word_perplexity",
            unit="perplexity",
            lower=True,
            aggregation="weighted_perplexity",
            score=float(np.exp(-total.sum() / length.sum())),
            metadata=lambda i, total=total: {"numerator": repr(float(total[i])), "denominator": repr(float(length[i]))},
        )
    policy = tmp_path / "policy.yaml"
    policy.write_text('benchmarks: {wikitext: {max_drop: "0.1 perplexity"}}\n')
    row = gate(tmp_path, capsys, "--policy", str(policy))["benchmarks"][0]
    assert (row["verdict"], row["limit"], row["paired"]) == ("GO", pytest.approx(0.1), True)
    assert row["delta"] == pytest.approx(row["score"]["recorded"][0] - row["baseline"]["recorded"][0])
    assert (
        gate(tmp_path, capsys, "--policy", str(policy), "--baseline", "new", "--candidate", "old")["verdict"] == "NO-GO"
    )


# --- A harness's own BLEU, chrF, TER, F1 and MCC ----------------------------------------------------------------------


def lm_eval_run(folder: Path, model: str, share: float, seed: int, changed: float = 0.0) -> dict[str, float]:
    """Files as lm-eval writes them for a translation and a classification; the scores by the field's libraries."""
    wanted = texts(80, 21)
    said = answers(wanted, share, seed)
    rng = random.Random(seed)
    gold = [int(i % 3 == 0) for i in range(80)]
    told = [1 - label if rng.random() < share else label for label in gold]
    scorers = {"bleu": BLEU(), "chrf": CHRF(), "ter": TER()}
    made = {name: scorer.corpus_score(said, [wanted]).score for name, scorer in scorers.items()}
    made |= {"f1": f1_score(gold, told), "mcc": matthews_corrcoef(gold, told)}
    kinds = {"toy_mt": ("generate_until", list(scorers)), "toy_cls": ("multiple_choice", ["f1", "mcc"])}
    out = folder / model
    out.mkdir()
    configs, results = {}, {}
    for task, (kind, metrics) in kinds.items():
        rows = [{"metric": name, "higher_is_better": name != "ter"} for name in metrics]
        configs[task] = {"task": task, "output_type": kind, "test_split": "test", "metric_list": rows, "num_fewshot": 0}
        results[task] = {f"{name},none": made[name] + changed for name in metrics}
        lines = []
        for i in range(80):
            pair = [wanted[i], said[i]] if task == "toy_mt" else [gold[i], told[i]]
            asked = f"{task} {i}"
            answer = [[asked, {}]] if task == "toy_mt" else [[asked, " no"], [asked, " yes"]]
            replies = [[said[i]]] if task == "toy_mt" else [[-1.0, False], [-2.0, False]]
            kept = [said[i]] if task == "toy_mt" else [[-1.0, False], [-2.0, False]]
            row = {"doc_id": i, "doc": {"q": asked}, "target": str(pair[0]), "arguments": answer}
            lines.append(row | {"resps": replies, "filtered_resps": kept, **dict.fromkeys(metrics, pair)})
        (out / f"samples_{task}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    settings = {"model": "hf", "model_args": f"pretrained=me/{model}", "bootstrap_iters": 0}
    versions = dict.fromkeys(kinds, 1)
    document = {"results": results, "configs": configs, "versions": versions, "n-shot": dict.fromkeys(kinds, 0)}
    document |= {"config": settings, "date": 1_760_000_000.0 + seed, "lm_eval_version": "0.4.9"}
    (out / "results.json").write_text(json.dumps(document))
    return made


def converted(folder: Path, *models: str) -> list[dict]:
    words = [str(folder / model) for model in models]
    assert convert_results.main([*words, "--output-dir", str(folder / "results")]) == 0
    return [json.loads(path.read_text()) for path in (folder / "results").rglob("*.json")]


def test_scores_of_a_harness_have_the_statistics_of_their_items(tmp_path, capsys):
    """lm-eval keeps [wanted, said]: the field's library makes of it the logged score, and a gate takes it."""
    for model, share, seed in (("old", 0.5, 1), ("new", 0.05, 2)):
        lm_eval_run(tmp_path, model, share, seed)
    records = converted(tmp_path, "old", "new")
    found = {
        (record["model_info"]["id"], result["metric_config"]["metric_name"]): result["metric_config"]
        for record in records
        for result in record["evaluation_results"]
    }
    assert len(found) == 10
    stated = {name: config["additional_details"].get("statistics") for (_, name), config in found.items()}
    assert stated == {"bleu,none": "bleu", "chrf,none": "chrf", "ter,none": "percent_ratio", "f1,none": "f1",
                      "mcc,none": "mcc"}  # fmt: skip
    for ids in (("cls|0/f1", "mt|0/bleu"), ("cls|0/mcc", "mt|0/ter"), ("cls|0/mcc", "mt|0/chrf")):
        named = [f"toy_{name},none" for name in ids]
        document = gate(tmp_path, capsys, "--baseline", "me/old", "--candidate", "me/new", "--result-id", *named)
        assert [(row["verdict"], row["paired"]) for row in document["benchmarks"]] == [("GO", True)] * 2


def test_statistics_that_do_not_make_the_logged_score_are_left_out_and_said(tmp_path, capsys):
    made = lm_eval_run(tmp_path, "old", 0.3, 1, changed=0.01)
    records = converted(tmp_path, "old")
    said = capsys.readouterr().err
    for record in records:
        for result in record["evaluation_results"]:
            assert "statistics" not in result["metric_config"]["additional_details"]
            name = result["metric_config"]["metric_name"].partition(",")[0]
            found = re.search(
                r"the file says (\S+), its 80 items make (\S+) by the rule", details_of(result)["items_make"]
            )
            assert [float(text) for text in found.groups()] == pytest.approx([made[name] + 0.01, made[name]])
            assert found[0] in said
            assert result["score_details"]["score"] == made[name] + 0.01


def details_of(result: dict) -> dict:
    return result["score_details"]["details"]


LIGHTEVAL_RULES = {
    "bleu": "CorpusLevelTranslationMetric(metric_type=bleu, lang=)",
    "chrf": "CorpusLevelTranslationMetric(metric_type=chrf, lang=)",
    "chrf++": "CorpusLevelTranslationMetric(metric_type=chrf++, lang=)",
    "ter": "CorpusLevelTranslationMetric(metric_type=ter, lang=)",
    "loglikelihood_f1": "CorpusLevelF1Score(average=None, num_classes=2)",
    "f1": "CorpusLevelF1Score(average=macro, num_classes=2)",
    "mf1": "CorpusLevelF1Score(average=micro, num_classes=3)",
    "mcc": "MatthewsCorrCoef()",
    "word_perplexity": "CorpusLevelPerplexityMetric(metric_type=weighted_perplexity)",
    "bits_per_byte": "CorpusLevelPerplexityMetric(metric_type=bits_per_byte)",
    "ppl": "CorpusLevelPerplexityMetric(metric_type=perplexity)",
}


def lighteval_corpus_run(folder: Path, model: str, share: float, seed: int, first_alone: bool = False) -> dict:
    """Files as lighteval 0.13 writes them for its corpus metrics: the inputs of each item, and scores as it makes them.

    first_alone: chrF and TER as lighteval makes them, which are of the first answer against the references of all.
    """
    rng, count = random.Random(seed), 60
    wanted = texts(count, 31)
    said = answers(wanted, share, seed)
    gold, three = [i % 2 for i in range(count)], [i % 3 for i in range(count)]
    told, chosen = ([n if rng.random() > share else (n + 1) % k for n in own] for own, k in ((gold, 2), (three, 3)))
    lower, thirds = {"word_perplexity", "bits_per_byte", "ppl"}, list(zip(three, chosen, strict=True))
    names = [("yes", "no", "maybe")[n] for n in gold]
    spoken = [name if rng.random() > share else "maybe" for name in names]
    logs = [-rng.random() * 9 * (1 + share) for _ in range(count)]
    units = [2 + 5 * number % 8 for number in range(count)]  # the words and bytes of a text are those of every model
    scorers = {"chrf": CHRF(), "chrf++": CHRF(word_order=2), "ter": TER()}
    streams = [[text] for text in wanted] if first_alone else [wanted]
    made = {name: scorer.corpus_score(said, streams).score for name, scorer in scorers.items()}
    made |= {
        "bleu": BLEU().corpus_score(said, [wanted]).score,
        "loglikelihood_f1": float(max(f1_score(gold, told, average=None))),
        "f1": f1_score(names, spoken, average="macro"),
        "mf1": float(np.mean([np.mean([(g == i) == (p == i) for g, p in thirds]) for i in range(3)])),
        "mcc": matthews_corrcoef(gold, told),
        "word_perplexity": float(np.exp(-sum(logs) / sum(units))),
        "bits_per_byte": -sum(logs) / sum(units) / float(np.log(2)),
        "ppl": float(np.exp(-np.mean(logs))),
    }  # fmt: skip
    for metric, rule in LIGHTEVAL_RULES.items():
        task, stamp = f"t_{metric.replace('+', 'p')}", "2026-01-02T03-04-05.000006"
        inputs = {
            "mcc": [{"golds": [g], "preds": p} for g, p in zip(gold, told, strict=True)],
            "loglikelihood_f1": [{"golds": [g], "preds": p} for g, p in zip(gold, told, strict=True)],
            "mf1": [{"golds": g, "preds": p} for g, p in thirds],
            "f1": [{"golds": [g], "preds": [p]} for g, p in zip(names, spoken, strict=True)],
            **{name: [{"logprobs": g, "weights": u} for g, u in zip(logs, units, strict=True)] for name in lower},
        }.get(metric, [{"golds": [w], "preds": [s]} for w, s in zip(wanted, said, strict=True)])
        row = {"metric_name": metric, "higher_is_better": metric not in {"ter", *lower}, "corpus_level_fn": rule}
        config = {"name": task, "hf_repo": "me/data", "evaluation_splits": ["test"], "original_num_docs": count}
        document = {
            "config_general": {"model_name": f"me/{model}", "model_config": {"model_name": f"me/{model}"}},
            "results": {f"{task}|0": {metric: made[metric]}},
            "config_tasks": {f"{task}|0": config | {"metrics": [row | {"category": "GENERATIVE"}]}},
        }
        results, details = folder / model / task / "results", folder / model / task / "details" / stamp
        results.mkdir(parents=True)
        details.mkdir(parents=True)
        (results / f"results_{stamp}.json").write_text(json.dumps(document))
        rows = [
            {
                "doc": {
                    "query": f"q {i}",
                    "choices": [wanted[i]],
                    "gold_index": 0,
                    "id": str(i),
                    "sampling_methods": [],
                },
                "metric": {metric: inputs[i]},
                "model_response": {"input": None, "text": [said[i]], "output_tokens": [[1]], "logprobs": []},
            }
            for i in range(count)
        ]
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), details / f"details_{task}|0_{stamp}.parquet")
    return made


def test_lightevals_corpus_metrics_have_the_statistics_of_their_items(tmp_path, capsys):
    for model, share, seed in (("old", 0.6, 1), ("new", 0.05, 2)):
        made = lighteval_corpus_run(tmp_path, model, share, seed)
    records = converted(tmp_path, "old", "new")
    assert not re.search("note:|conflict:", capsys.readouterr().err)
    found = {}
    for record in records:
        for result in record["evaluation_results"]:
            if record["model_info"]["id"] == "me/new":
                config = result["metric_config"]
                assert result["score_details"]["score"] == made[config["metric_name"]]
                found[config["metric_name"]] = config["additional_details"].get("statistics")
    assert found == {
        **{"bleu": "bleu", "chrf": "chrf", "chrf++": "chrf", "ter": "percent_ratio", "mcc": "mcc"},
        **{"f1": "f1_all", "loglikelihood_f1": "f1_max", "mf1": "f1"},
        **dict.fromkeys(("word_perplexity", "bits_per_byte", "ppl")),  # by the numerators and denominators
    }
    policy = tmp_path / "policy.yaml"
    wide = ", ".join(f't_{name}: {{max_drop: "0.5 {unit}"}}' for name, unit in
                     (("word_perplexity", "perplexity"), ("bits_per_byte", "bits"), ("ppl", "perplexity")))  # fmt: skip
    policy.write_text(f"benchmarks: {{{wide}}}\n")
    rows = gate(tmp_path, capsys, "--baseline", "me/old", "--candidate", "me/new", "--policy", str(policy))[
        "benchmarks"
    ]
    assert len(rows) == 11
    assert {row["verdict"] for row in rows} == {"GO"}, [(row["name"], row["verdict"], row["notes"]) for row in rows]


def test_the_first_answer_alone_is_no_score_of_the_corpus(tmp_path, capsys):
    lighteval_corpus_run(tmp_path, "old", 0.3, 1, first_alone=True)
    code = convert_results.main([str(tmp_path / "old"), "--output-dir", str(tmp_path / "results")])
    said = capsys.readouterr().err
    assert code == 1 and said.count("scored the first answer alone, against the references of all") == 3
    conflicts = {
        result["metric_config"]["metric_name"]
        for path in (tmp_path / "results").rglob("*.json")
        for result in json.loads(path.read_text())["evaluation_results"]
        if "conflict" in details_of(result)
    }
    assert conflicts == {"chrf", "chrf++", "ter"}


def test_ties_count_in_the_randomization_and_the_order_of_the_sides_does_not():
    rng = np.random.default_rng(5)
    for _ in range(4):
        errors = rng.integers(0, 3, size=(2, 12)).astype(float)
        rows = [np.stack([own, np.full(12, 7.0)], axis=1) for own in errors]
        flips = 1 - 2 * np.array(list(itertools.product((0, 1), repeat=12)))
        moved = np.abs(flips @ (errors[0] - errors[1]))
        exact = np.mean(moved >= abs(errors[0].sum() - errors[1].sum()))
        found = [randomization_p("ratio", *sides, None, 20_000, [3]) for sides in (rows, rows[::-1])]
        assert found == pytest.approx([exact, exact], abs=0.015)


def test_a_bound_that_stays_at_the_limit_has_not_passed_it():
    drawn = np.sort(np.concatenate([np.full(400, -0.01), np.zeros(400), np.full(9200, 0.05)]))
    evidence = Resampled(drawn, 0.02, 59)
    assert evidence.p_above(0.0) == pytest.approx(evidence.mirrored().p_below(0.0), abs=1e-9)
    assert evidence.lower(evidence.p_above(0.0) * 1.02) > 0 or evidence.p_above(0.0) > 0.07
    assert evidence.p_above(0.0) > 0.075  # the zeros count with those below


@pytest.mark.parametrize("metric", ["ndcg@10", "map", "mrr"])
def test_rankings_that_are_cut_elsewhere_are_not_compared(metric, tmp_path, capsys):
    """The same order of the same documents, 5 of them and 20: the gain is that of the longer lists."""
    rng, rows = random.Random(3), {5: [], 20: []}
    for i in range(150):
        found = rng.sample([f"d{j}" for j in range(30)], 30)
        relevant = rng.sample(found[:15], 3)
        for depth, own in rows.items():
            own.append({"id": f"q{i}", "ranked": found[:depth], "relevant": relevant})
    scored(tmp_path, "old", rows[5], metric)
    scored(tmp_path, "new", rows[20], metric)
    told = gate(tmp_path, capsys)
    assert told["exit_code"] == 3
    assert "documents found: 5 " in told["benchmarks"][0]["notes"][0]


def test_micro_f1_of_earlier_versions_is_not_used(tmp_path, capsys):
    """They left answers that are no class out of what was said: 120 of 200 right, 60 of the wrong ones "d"."""
    wanted = [random.Random(i).choice("abc") for i in range(200)]
    said = [w if i < 120 else "d" if i < 180 else "x" for i, w in enumerate(wanted)]
    said = [s if s in ("d", *"abc") else "abc"[("abc".index(w) + 1) % 3] for s, w in zip(said, wanted, strict=True)]
    old = f1_score(wanted, said, labels=["a", "b", "c"], average="micro")
    assert old == pytest.approx(240 / 340)
    scored(tmp_path, "new", rows_of(wanted, said), "f1-micro")
    (file,) = (tmp_path / "results").rglob("*[!s].json")
    record, samples = json.loads(file.read_text()), file.with_name(f"{file.stem}_samples.jsonl")
    rows = [json.loads(line) for line in samples.read_text().splitlines()]
    for row, answer in zip(rows, said, strict=True):
        row["metadata"]["statistics"] = json.dumps([int(row["evaluation"]["score"]), 1, int(answer in "abc")])
    content = "".join(json.dumps(row) + "\n" for row in rows)
    samples.write_text(content)
    record["detailed_evaluation_results"]["checksum"] = hashlib.sha256(content.encode()).hexdigest()
    details = record["evaluation_results"][0]["score_details"]
    assert details["score"] == pytest.approx(0.6)
    details["score"] = old
    details["uncertainty"].pop("confidence_interval", None)
    file.write_text(json.dumps(record))
    scored(tmp_path, "old", rows_of(wanted, said), "f1-micro")
    told = gate(tmp_path, capsys)
    assert told["exit_code"] == 3
    assert "micro F1 0.705882 leaves out answers that are no class, with them it is 0.6" in json.dumps(told)


def perplexity_by_token(folder, model, rate, nats=4.0, **more):
    """A record of texts with `nats` of surprise a word, in `rate` tokens a word: exp(nats / rate)."""
    rng, rows = random.Random(1), []
    for i in range(200):
        words = rng.randint(5, 40) * 10
        noise = random.Random(f"{model}{i}").uniform(0.999, 1.001)
        pair = [-nats * words * noise, words * rate]
        rows.append(sample_row(i, pair[0] / pair[1]))
        rows[-1]["metadata"] = {"numerator": repr(pair[0]), "denominator": repr(pair[1])}
    sums = np.array([[float(row["metadata"][key]) for key in ("numerator", "denominator")] for row in rows]).sum(0)
    words = {"metric": "perplexity", "unit": "perplexity", "lower": True, "aggregation": "weighted_perplexity"}
    score = float(np.exp(-sums[0] / sums[1]))
    assert score == pytest.approx(np.exp(nats / rate), rel=0.002)
    write_record(folder, model, [0.0] * 200, rows=rows, score=score, n=200, **words, **more)


@pytest.mark.parametrize("tokens", [1.3, 1.6])
def test_perplexities_of_two_tokenizers_are_not_ranked(tmp_path, capsys, tokens):
    """The second one gives a word exp(4.2) = 66.7, the first exp(4) = 54.6; by token it has 13.8, and that 21.7."""
    for name, rate, nats in (("step_1", 1.3, 4.0), ("step_2", tokens, 4.2)):
        folder = tmp_path / "run" / name
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}")
        (folder / "model.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
        perplexity_by_token(tmp_path / "results", f"run/{name}", rate, nats, details={"path": str(folder)})
    code = benchmark_calculator.main([str(tmp_path / "run"), "--results", str(tmp_path / "results"), "--json"])
    told = capsys.readouterr()
    if tokens == 1.3:
        assert (code, json.loads(told.out)["best"]["name"]) == (0, "step_1")
    else:
        assert code == 3 and "unlike units, as of two tokenizers" in told.err
    words = ["--results", str(tmp_path / "results"), "--output-dir", str(tmp_path / "board")]
    assert leaderboard.main(["collect", *words]) == 0
    capsys.readouterr()
    assert leaderboard.main(["show", "--data", str(tmp_path / "board"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert ("no other model can be compared" in told["conclusion"]) is (tokens != 1.3)
    assert any("two tokenizers" in line and "run/step_2" in line for line in told["set_apart"]) is (tokens != 1.3)


@pytest.mark.parametrize(
    ("metric", "library", "models", "ranked"),
    [
        ("perplexity", "trainer", ("one/small", "two/small"), False),
        ("token_perplexity", "trainer", ("one/small", "two/small"), False),
        ("bits_per_token", "trainer", ("one/small", "two/small"), False),
        ("perplexity", "trainer", ("run/step_1", "run/step_2"), True),
        ("perplexity", "lm-eval", ("one/small", "two/small"), True),
        ("word_perplexity", "trainer", ("one/small", "two/small"), True),
        ("bits_per_byte", "trainer", ("one/small", "two/small"), True),
    ],
)
def test_perplexities_of_tokens_that_nobody_counted(tmp_path, capsys, metric, library, models, ranked):
    """A word's exp(4) is by 1.3 tokens 21.7 each, exp(4.2) by 1.6 tokens 13.8: the worse one has the lower number."""
    scores = [math.exp(4.0 / 1.3), math.exp(4.2 / 1.6)]
    assert scores[0] > scores[1] and (round(scores[0], 1), round(scores[1], 1)) == (21.7, 13.8)
    given = {"task": "my_text", "metric": metric, "n": 4000, "unit": "points", "lower": True, "samples": False}
    given |= {"aggregation": metric, "error": 0.01, "error_method": "bootstrap", "library": (library, "1")}
    for model, score in zip(models, scores, strict=True):
        details = {"checkpoint": model.rpartition("/")[2]} if model.startswith("run/") else {}
        write_record(tmp_path / "results", model, [], score=score, details=details, **given)
    words = ["--results", str(tmp_path / "results"), "--output-dir", str(tmp_path / "board")]
    assert leaderboard.main(["collect", *words]) == (0 if ranked else 1)
    assert ("by the model's own tokens" in capsys.readouterr().err) is not ranked
    if ranked:
        assert leaderboard.main(["show", "--data", str(tmp_path / "board"), "--benchmark", "my_text", "--json"]) == 0
        assert f"{models[1]} leads by" in capsys.readouterr().out


@pytest.mark.parametrize(("tokens", "code"), [(1.3, 0), (1.5, 3)])
def test_perplexities_of_two_tokenizers_are_of_unlike_units(tmp_path, capsys, tokens, code):
    """The same likelihood of the same texts, in 1.3 and in 1.5 tokens a word: exp(4 / 1.3) and exp(4 / 1.5)."""
    for name, rate in (("old", 1.3), ("new", tokens)):
        perplexity_by_token(tmp_path / "results", f"me/{name}", rate)
    policy = tmp_path / "policy.yaml"
    policy.write_text("defaults: {max_relative_drop: 0.01}\n")
    told = gate(tmp_path, capsys, "--policy", str(policy))
    assert told["exit_code"] == code
    assert ("scores of unlike units" in json.dumps(told)) is (code == 3)
