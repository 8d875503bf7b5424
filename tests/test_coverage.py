"""The intervals hold the truth, and the gates their error: a small part of bench_coverage.py, with its seeds."""

from __future__ import annotations

import bench_coverage as bench
import pytest


@pytest.mark.parametrize("part", ["single", "overall", "changes", "ratings"])
def test_intervals_and_gates_keep_their_goals(part, monkeypatch):
    monkeypatch.setattr(bench, "SIZES", (50, 200))
    missed = [figure for figure in bench.figures([part], 400, 1) if not figure.kept]
    assert missed == []


@pytest.mark.parametrize("part", ["corpus", "scores", "opinions"])
def test_intervals_and_gates_of_other_scores_keep_their_goals(part):
    missed = [figure for figure in bench.figures([part], 40, 1) if not figure.kept]
    assert missed == []


def test_every_metric_with_an_interval_is_in_the_bench():
    """Each name of --metric, by what the bench calls it; calibration errors by their false alarms."""
    from parts.metrics.vocabulary import METRICS

    cases = {figure.case.split(",")[0].split()[0] for part in ("scores", "opinions")
             for figure in bench.figures([part], 2, 0)}  # fmt: skip
    same = {
        "accuracy": "single", "exact-match": "single", "cer": "wer", "chrf++": "chrf", "f1-binary": "f1",
        "f1-micro": "f1", "f1-macro": "f1_macro", "f1-token": "token", "average-precision": "average",
        "log-loss": "log", "krippendorff": "alpha", "precision": "precision@5", "recall": "precision@5",
        "ndcg": "map", "pass": "pass@1", "win-rate": "win", "stoi": "pesq", "estoi": "pesq", "toxicity": "rouge",
        "mos": "single",
        **dict.fromkeys(("rouge-1", "rouge-2", "rouge-l", "rouge-lsum"), "rouge"),
    }  # fmt: skip
    without = {"elo"}  # none: it depends on the order of the votes
    assert {name for name in METRICS if same.get(name, name) not in cases | {"single"}} == without


def test_exact_errors_of_counted_answers(monkeypatch):
    monkeypatch.setattr(bench, "LIMITS", (-0.01,))
    worst = max(bench.figures(["counts"], 0, 0), key=lambda figure: figure.percent / figure.high)
    assert worst.kept, worst


def test_no_interval_of_a_proportion_has_no_width():
    import numpy as np

    from parts.statistics.bounded import score_interval

    passages = np.repeat(np.arange(10), 5)
    for scores in (np.ones(50), np.zeros(50), np.full(50, 0.5)):
        low, high, _ = score_interval(scores, (passages,))
        assert high - low > 0.05
