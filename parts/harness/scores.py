"""Scores and standard errors of lighteval's and lm-eval's metrics; names that look alike."""

from __future__ import annotations

import difflib
import math
import os
import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from parts.harness.metric_names import CORPUS_AGGREGATIONS, standard_deviation
from parts.harness.vocabulary import MetricScore
from parts.statistics.intervals import clustered_error

BOOTSTRAP_DRAWS = 200


def nearest_tasks(name: str, names: Iterable[str]) -> list[str]:
    """The known names, families included, that look most like a name."""
    known = {part for known in names for part in (known, known.split(":", 1)[0]) if "*" not in part}
    close = difflib.get_close_matches(name, known, n=4, cutoff=0.5)
    return close or sorted(known_name for known_name in known if name.lower() in known_name.lower())[:4]


def as_number(value: Any) -> float:
    """An item's raw value as a number: lists are averaged; for corpus metrics, 1 when the answer is a reference."""
    if hasattr(value, "preds"):
        golds = value.golds if isinstance(value.golds, (list, tuple)) else [value.golds]
        preds = value.preds if isinstance(value.preds, (list, tuple)) else [value.preds]
        return float(any(pred in golds for pred in preds))
    if hasattr(value, "logprobs"):
        value = value.logprobs
    if isinstance(value, (list, tuple)):
        return sum(map(float, value)) / len(value) if value else math.nan
    return float(value)


def aggregation_name(function: Callable[..., Any]) -> str:
    """`mean`, or the name of a corpus-level aggregation."""
    owner = getattr(function, "__self__", None)
    if owner is not None and not isinstance(owner, type(os)):
        return getattr(owner, "metric_type", None) or CORPUS_AGGREGATIONS.get(
            type(owner).__name__, type(owner).__name__
        )
    name = getattr(function, "__name__", type(function).__name__)
    return "mean" if name in ("mean", "nanmean", "fmean") else name


def standard_error_of_metric(
    function: Callable[..., Any], values: Sequence[Any], seed: int, prompts: Sequence[str] = ()
) -> tuple[float | None, str]:
    """The standard error of an aggregated score: analytic for a mean, else the deviation of bootstrap replicates.

    Items that were asked with one and the same prompt count as a group.
    lighteval's own bootstrap divides that deviation by the root of the number of draws, which is far too small.
    """
    if len(values) < 2:
        return None, ""
    if aggregation_name(function) == "mean":
        numbers = [as_number(value) for value in values]
        if len(set(prompts)) < len(prompts):
            return clustered_error(numbers, prompts), "analytic"
        return standard_deviation(numbers) / math.sqrt(len(numbers)), "analytic"
    draw = random.Random(seed)
    try:
        drawn = [float(function(draw.choices(values, k=len(values)))) for _ in range(BOOTSTRAP_DRAWS)]
    except (ValueError, TypeError, ArithmeticError):
        return None, ""
    spread = standard_deviation(drawn)
    return (spread, "bootstrap") if math.isfinite(spread) else (None, "")


def is_correct(value: float, score: MetricScore) -> bool:
    """Whether an item got the best possible value."""
    return not score.lower_is_better and value >= (score.high if score.high is not None else 1.0) - 1e-9
