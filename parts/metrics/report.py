"""Scores as tables and JSON."""

from __future__ import annotations

from typing import Any

from parts.frame import number
from parts.metrics.measure import counts_of, scored_count
from parts.metrics.records import bounds_of
from parts.metrics.vocabulary import Measurement, Metric
from parts.statistics.intervals import CONFIDENCE

HEADER = ("metric", "score", "std. error", "95 % interval", "n", "empty", "unparsed", "unscored", "interval by")


def digits_of(metric: Metric, high: float | None) -> int:
    """How many decimals a score is shown with."""
    return 2 if metric.unit == "points" and (high is None or high > 10) else 3 if metric.unit == "points" else 4


def score_row(measurement: Measurement) -> list[str]:
    """A line of the table."""
    metric, scores = measurement.metric, measurement.scores
    spread, digits = scores.spread, digits_of(metric, bounds_of(measurement)[1])
    ends = "–" if spread.low is None else f"{number(spread.low, digits)} to {number(spread.high, digits)}"
    counts = [str(scored_count(scores)), str(counts_of(measurement).get("empty", "–"))]
    counts += [str(len(measurement.unparsed)), str(len(scores.reasons))]
    return [
        f"{metric.name}{' (lower is better)' if metric.lower_is_better else ''}",
        number(scores.value, digits), number(spread.standard_error, digits), ends, *counts, spread.method,
    ]  # fmt: skip


def breakdown_rows(measurement: Measurement) -> tuple[list[str], list[list[str]]]:
    """All models or systems of a metric that rates several, or the bins of a diagram."""
    rows = measurement.scores.breakdown
    header = list(rows[0])
    return header, [
        [str(row[name]) if isinstance(row[name], str | int) else number(row[name], 3) for name in header]
        for row in rows
    ]


def scores_json(measurement: Measurement) -> dict[str, Any]:
    """A score for --json."""
    metric, scores, spread = measurement.metric, measurement.scores, measurement.scores.spread
    low, high = bounds_of(measurement)
    return {
        "metric": metric.name,
        "metric_id": metric.id,
        "score": scores.value,
        "unit": metric.unit,
        "range": [low, high],
        "lower_is_better": metric.lower_is_better,
        "standard_error": spread.standard_error,
        "interval": None if spread.low is None else [spread.low, spread.high],
        "confidence": CONFIDENCE,
        "method": spread.method,
        "n": scored_count(scores),
        **counts_of(measurement),
        "parameters": {name: value for name, value in scores.parameters.items() if value is not None},
        "breakdown": list(scores.breakdown),
    }
