"""One scale and one metric for the scores that are compared, and no certainty from few items: in every reader."""

from __future__ import annotations

import json
import random
from pathlib import Path

import benchmark_calculator as bc
import compare_results as cr
import leaderboard as board
import numpy as np
import pytest
from test_records import checkpoints
from test_wrong_numbers import BENCHMARKS, Asked, answers, write

PERCENT = {"max_score": 100.0, "min_score": 0.0}


def metric(**more) -> dict:
    return {"metric_id": "exact_match", "lower_is_better": False} | more


@pytest.mark.parametrize(
    "word", ["%", "pct", "percentage", "Percent", "percent", "Percentage", "per cent", "% (0-100)"]
)
def test_words_for_percent_are_one_unit(word):
    assert cr.stated_unit(metric(metric_unit=word)) == "percent"
    assert cr.stated_unit(metric(metric_unit=word, **PERCENT)) == "percent"
    with pytest.raises(ValueError, match="highest score 1"):
        cr.stated_unit(metric(metric_unit=word, max_score=1.0, min_score=0.0))


def test_bounds_are_evidence_where_the_word_is_no_unit_of_shares():
    for word in ("points", "score", "accuracy", "unknown", "", None):
        assert cr.stated_unit(metric(metric_unit=word, **PERCENT)) == "percent"
        assert cr.stated_unit(metric(metric_unit=word, min_score=0, max_score=1)) == "proportion"
    assert cr.stated_unit(metric(metric_unit="score")) == "score"
    assert cr.stated_unit({"metric_id": "bleu", "metric_unit": "Points", **PERCENT}) == "points"
    assert cr.stated_unit({"metric_id": "summarization_density", "metric_unit": "ratio"}) == "ratio"
    assert cr.stated_unit({"metric_id": "mine", "metric_unit": "ratio", "min_score": 0, "max_score": 1}) == "proportion"
    for word in ("fraction", "proportion", "share"):
        with pytest.raises(ValueError, match="highest score 100"):
            cr.stated_unit(metric(metric_unit=word, **PERCENT))


def prepared(tmp_path: Path, capsys) -> tuple[Asked, random.Random]:
    rng = random.Random(5)
    checkpoints(tmp_path / "run", "step_1", "step_2", "step_3")
    for name in ("step_1", "step_2"):
        write(tmp_path, name, answers(rng, 0.9))
    return Asked(tmp_path, capsys), rng


def changed(path: Path, **config) -> None:
    record = json.loads(path.read_text())
    record["evaluation_results"][0]["metric_config"] |= config
    path.write_text(json.dumps(record))


@pytest.mark.parametrize(("unit", "factor"), [("%", 100), ("pct", 100), ("percentage", 100), ("fraction", 1)])
def test_a_worse_model_in_another_spelling_of_the_unit_is_worse(tmp_path, capsys, unit, factor):
    asked, rng = prepared(tmp_path, capsys)
    own = answers(rng, 0.5)
    write(tmp_path, "step_3", own, unit=unit, score=factor * sum(own) / len(own))
    code, found = asked.compare()
    assert code == 1 and found["benchmarks"][0]["verdict"] == "NO-GO"
    ranked = asked.ranked()
    assert ranked["step_3"] == pytest.approx(sum(own) / len(own)) and ranked["step_3"] == min(ranked.values())


@pytest.mark.parametrize("unit", ["points", "score", "Elo", "unknown", "stars"])
def test_scores_on_no_one_scale_are_never_compared(tmp_path, capsys, unit):
    asked, rng = prepared(tmp_path, capsys)
    own = answers(rng, 0.5)
    write(tmp_path, "step_3", own, unit=unit, score=50.0, samples=False, error=2.0)
    for more in ((), ("--allow-unlike",)):
        code, found = asked.compare(*more)
        assert code == 3 and found["benchmarks"][0]["verdict"] == "NOT COMPARABLE"
        assert any("unit:" in note for note in found["benchmarks"][0]["notes"])
        (way,) = found["next"]
        assert "metric_unit" in way and "measure " not in way and ".json" in way
    folders = (tmp_path / "run", "--results", tmp_path / "results", "--json")
    code, out, err = asked.run(bc, *folders)
    assert code == 3 and (json.loads(out)["best"] or {}).get("name") != "step_3"
    assert "step_3" in out and "on another scale" in out
    code, _, err = asked.run(bc, *folders, "--allow-unlike")
    assert code == 3 and "several scales" in err
    rows, _ = board.read_own_runs([str(tmp_path / "results")], BENCHMARKS)
    board.settle_units(rows, BENCHMARKS.mapping)
    wanted = 0.5 if unit == "unknown" else None  # of a share that is above 1 the board knows the unit
    assert [row["comparable"] for row in rows if row["model"] == "run/step_3"] == [wanted]


def test_points_of_other_ranges_are_other_scales(tmp_path):
    run = cr.Run(
        key="q", subtask="", metric="judge", result_id="q/judge", shots="", score=7.0, standard_error=0.1, n=50,
        unit="points", span=10.0, lower_is_better=False, aggregation="mean", settings={}, counts={},
        harness=("a", "1"), date="", measured=True, file="f", low=0.0, high=10.0,
    )  # fmt: skip
    other = cr.replace(run, score=70.0, high=100.0)
    assert cr.unlike_scales(run, other) and not cr.unlike_scales(run, cr.replace(run, score=9.0, low=1.0))
    assert cr.unlike_scales(run, cr.replace(other, high=None)) and cr.unlike_scales(cr.replace(other, high=None), run)
    unknown = cr.replace(run, unit="unknown", score=0.9, high=None)
    assert cr.unlike_scales(unknown, cr.replace(unknown, score=50.0))
    assert not cr.unlike_scales(unknown, cr.replace(unknown, score=1.1))


def test_metrics_of_one_id_and_several_names_are_several(tmp_path, capsys):
    """A record of another program that tells the filter in the metric's name alone."""
    asked, rng = prepared(tmp_path, capsys)
    for path in (tmp_path / "results").rglob("*[0-9a-f].json"):
        changed(path, metric_name="exact_match,strict-match")
    changed(write(tmp_path, "step_3", answers(rng, 0.99)), metric_name="exact_match,flexible-extract")
    code, found = asked.compare()
    assert code == 3 and any("metric name" in note for note in found["benchmarks"][0]["notes"])
    assert not asked.ranks_it()
    rows, _ = board.read_own_runs([str(tmp_path / "results")], BENCHMARKS)
    assert board.unlike_ways(rows)
    for path in (tmp_path / "results").rglob("*[0-9a-f].json"):
        changed(path, metric_name="Accuracy" if "step_3" in path.as_posix() else "acc,none")
    assert asked.decided() and asked.ranks_it()


# --- few items ---


def excluded(rng: np.random.Generator, checkpoints: int, n: int, p: float) -> bool:
    """Whether any of some equally good checkpoints is left out of those that may be the best."""
    scores = (rng.random((checkpoints, n)) < p).astype(float)
    items = bc.ItemScores(tuple(map(str, range(n))), np.arange(n), scores)
    estimates = tuple(bc.Estimate(float(own.mean()), None, n) for own in scores)
    task = bc.TaskData("t", items, tuple(scores.mean(1)), None, estimates)
    rows = [slice(i, i + 1) for i in range(checkpoints)]
    few = bc.FewItems([task], {"t": 1.0}, rows, [None] * checkpoints)
    draws = bc.bootstrap_means(items, 300, [1]) if n > 1 else np.repeat(scores.mean(1)[:, None], 300, 1)
    return bool((bc.confidence_set(scores.mean(1), draws, few.p_value) < 0.05).any())


@pytest.mark.parametrize("checkpoints", [2, 3, 6])
def test_equal_checkpoints_of_few_items_are_not_told_apart(checkpoints):
    rng = np.random.default_rng(checkpoints)
    for sizes in ((1, 3, 5, 9), (10, 12, 15), (20, 25, 30)):
        found = [excluded(rng, checkpoints, n, p) for n in sizes for p in (0.5, 0.9) for _ in range(60)]
        assert sum(found) / len(found) <= 0.05 + 2 * (0.05 * 0.95 / len(found)) ** 0.5, sizes


def test_signs_of_few_parts():
    assert bc.sign_flip_p(np.array([1.0, 1, 1])) == 0.25 and bc.sign_flip_p(np.array([])) == 1.0
    assert bc.sign_flip_p(np.array([3.0, 1])) == 0.5 and bc.sign_flip_p(np.array([3.0, -1])) == 1.0
    many = np.linspace(1, 2, 20)
    assert bc.sign_flip_p(many) < 1e-3 and bc.sign_flip_p(many * (-1) ** np.arange(20)) > 0.5


@pytest.mark.parametrize(("n", "worse"), [(1, 0), (2, 0), (3, 1), (4, 1), (5, 2), (8, 4), (10, 6)])
def test_all_right_of_few_is_not_certainly_the_best(tmp_path, capsys, n, worse):
    checkpoints(tmp_path / "run", "step_1", "step_2", "step_3")
    for name, right in (("step_1", worse), ("step_2", worse), ("step_3", n)):
        own = [1.0] * right + [0.0] * (n - right)
        deviation = (right / n * (1 - right / n) / max(n - 1, 1)) ** 0.5
        write(tmp_path, name, own, source={"samples_number": n}, task="my_quiz", error=deviation)
    asked = Asked(tmp_path, capsys)
    code, out, _ = asked.run(bc, tmp_path / "run", "--results", tmp_path / "results", "--json", "--full")
    found = json.loads(out)
    assert code == 0 and {c["name"] for c in found["checkpoints"] if c["tied_set"]} == {"step_1", "step_2", "step_3"}
    for one in found["checkpoints"]:
        assert one["ranks"][0] == 1 and one["ranks"][1] > 1 and 0.02 < one["p_best"] < 0.9


def test_of_two_ways_of_scoring_the_fields_that_differ_are_shown():
    """A digest in front does not push the grader's name out of the message."""
    one, two = ({"file_sha256": x * 64, "grader_model": f"acme/judge-{x}", "scale": "1-5"} for x in "ab")
    (line,) = cr.difference_lines({"scoring": (json.dumps(one), json.dumps(two))})
    assert "acme/judge-a" in line and "acme/judge-b" in line and "scale" not in line
    assert cr.difference_lines({"shots": ("0", "5")}) == ["shots: 0 and 5"]
