"""The intervals hold the truth, and the gates their error: a small part of bench_coverage.py, with its seeds."""

from __future__ import annotations

import bench_coverage as bench
import pytest


@pytest.mark.parametrize("part", ["single", "overall", "changes", "ratings"])
def test_intervals_and_gates_keep_their_goals(part, monkeypatch):
    monkeypatch.setattr(bench, "SIZES", (50, 200))
    missed = [figure for figure in bench.figures([part], 400, 1) if not figure.kept]
    assert missed == []


def test_gates_of_corpus_scores_keep_their_error():
    missed = [figure for figure in bench.figures(["corpus"], 150, 1) if not figure.kept]
    assert missed == []


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
