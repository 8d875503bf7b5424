"""Counts of what a metric has scored."""

from __future__ import annotations

from typing import Any

from parts.metrics.texts import empty_count
from parts.metrics.vocabulary import Measurement, Scores


def scored_count(scores: Scores) -> int:
    """How many items the score is of."""
    return len(scores.items) - len(scores.reasons)


def counts_of(measurement: Measurement) -> dict[str, Any]:
    """What is counted beside the score, in the words that the readers of records know."""
    scores = measurement.scores
    counts = {"unparsed": len(measurement.unparsed), "unscored": len(scores.reasons)}
    if measurement.counted_as_wrong:
        counts["unparsed_counted_as_wrong"] = measurement.counted_as_wrong
    if measurement.metric.family in ("text", "plain", "any"):
        counts["empty"] = empty_count(scores.items)
    return counts | dict(scores.details)
