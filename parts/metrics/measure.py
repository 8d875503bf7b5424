"""Counts of what a metric has scored."""

from __future__ import annotations

import math
from typing import Any

from parts.frame import MANY, number
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


def empty_line(measurement: Measurement) -> str | None:
    """What is said where so many answers are empty that no comparison uses the score unless it is told to."""
    empty, made = counts_of(measurement).get("empty", 0), len(measurement.scores.items) + len(measurement.unparsed)
    if empty <= MANY * made:
        return None
    return (
        f"{measurement.metric.name}: {empty} of {made} answers are empty, more than {MANY:.0%}: no reader uses it; "
        "where these are the model's answers, compare_results.py does with max_invalid: "
        f"{math.ceil(100 * empty / made) / 100:g} in its policy"
    )


def lost_line(measurement: Measurement) -> str | None:
    """What is said where more answers have no score than a valid run may lose: no reader uses such a score. Ratings and
    votes that were not given are not lost."""
    metric, counts = measurement.metric, counts_of(measurement)
    if metric.family in ("ratings", "votes"):
        return None
    lost, made = counts["unparsed"] + counts["unscored"], len(measurement.scores.items) + len(measurement.unparsed)
    if counts.get("no_value", 0) * made > lost * counts.get("attempts", 1):
        lost, made = counts["no_value"], counts["attempts"]
    if lost <= MANY * made:
        return None
    wrong = ", or --unparsed-as-wrong where a missing answer is a wrong one" if metric.worst else ""
    return (
        f"{metric.name} {number(measurement.scores.value)} is of the rest: {lost} of {made} answers have no score. "
        f"More than {MANY:.0%} say nothing of the whole, and no reader uses it: complete the predictions{wrong}"
    )
