"""Intervals and standard errors of one score: Wilson, normal, Student's t, clustered."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """Where a number lies with 95 % confidence, and how that was found."""

    low: float
    high: float
    method: str


@dataclass(frozen=True, slots=True)
class Estimate:
    """One number: `value` on the scale of `unit` (percent is turned into a proportion), `n` items."""

    value: float
    standard_error: float | None = None
    n: int | None = None
    unit: str = "proportion"
    lower_is_better: bool = False
    metric: str | None = None
    shots: int | None = None
    interval: Interval | None = None

    @property
    def averages(self) -> bool:
        """Whether it may enter a mean of scores: a proportion of which more is better."""
        return self.unit == "proportion" and not self.lower_is_better


@dataclass(frozen=True, slots=True)
class ItemScores:
    """A task's items over some checkpoints, in a fixed order.

    scores: (checkpoints, items) float64 array, NaN where a checkpoint was not measured on an item or its answer could
    not be scored. clusters: (items,) int array, the same number for items that share a passage or a question.
    """

    item_ids: tuple[str, ...]
    clusters: Any
    scores: Any


# Arrays: scores (checkpoints, items); draws (checkpoints, draws): what the scores could have been with other items of
# the same kind; halves (2, checkpoints, splits): the scores on one random half of the items, and on the other.


def wilson_interval(successes: float, n: float, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Interval for a proportion, without continuity correction (Wilson 1927; Newcombe 1998, method 3)."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    center = (successes + z * z / 2) / (n + z * z)
    half = z * math.sqrt(successes * (n - successes) / n + z * z / 4) / (n + z * z)
    return max(0.0, center - half), min(1.0, center + half)


def normal_interval(score: Estimate) -> Interval | None:
    """The interval of a score that has nothing but its standard error; Wilson's where all items were right, or none."""
    if score.standard_error is None:
        return None
    if score.standard_error == 0 and score.averages and score.n and score.value in (0, 1):
        return Interval(*wilson_interval(score.value * score.n, score.n), "Wilson")
    half = NormalDist().inv_cdf((1 + CONFIDENCE) / 2) * score.standard_error
    return bounded(score, score.value - half, score.value + half, "normal, from the standard error")


def interval_from_bounds(low: float, high: float, level: float = CONFIDENCE) -> float:
    """The standard error that a symmetric normal interval stands for."""
    return (high - low) / 2 / NormalDist().inv_cdf((1 + level) / 2)


def pooled_interval(score: Estimate, parts: Sequence[tuple[float, Estimate]]) -> Interval | None:
    """The interval of a weighted mean from those of its parts, for means whose draws are all the same.

    MOVER: the distances from estimate to limit add up as standard errors do (Zou and Donner 2008). None if one lacks.
    """
    if any(part.interval is None for _, part in parts):
        return None
    low = math.hypot(*(weight * (part.value - part.interval.low) for weight, part in parts))
    high = math.hypot(*(weight * (part.interval.high - part.value) for weight, part in parts))
    return bounded(score, score.value - low, score.value + high, "from the intervals of the parts (MOVER)")


def bounded(score: Estimate, low: float, high: float, method: str) -> Interval:
    """An interval that does not leave the scale of a proportion."""
    if score.averages:
        low, high = max(0.0, low), min(1.0, high)
    return Interval(float(low), float(high), method)


def clustered_standard_error(scores: Any, clusters: Any) -> float:
    """Standard error of the mean of (items,) scores whose G clusters were drawn, with the factor G / (G - 1).

    Liang and Zeger 1986, as for the mean in Miller 2024 (arXiv 2411.00640); without shared clusters it is sd / sqrt(n).
    """
    import numpy as np

    _, group = np.unique(clusters, return_inverse=True)
    sums = np.bincount(group, scores - scores.mean())
    return float(np.sqrt((sums**2).sum() * len(sums) / (len(sums) - 1)) / len(scores))


def t_interval(mean: float, standard_error: float, freedom: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Student's interval for a mean with `freedom` degrees of freedom."""
    from scipy.special import stdtrit

    half = float(stdtrit(freedom, (1 + confidence) / 2)) * standard_error
    return mean - half, mean + half


def score_interval(scores: Any, clusters: Any) -> tuple[float, float, str] | None:
    """(low, high, method) for the mean of (items,) scores: Wilson where all are 0 or 1, t else, clustered where shared.

    None where fewer than two items or clusters are there: nothing tells how far the mean could be off.
    """
    import numpy as np

    known = ~np.isnan(scores)
    scores, clusters = scores[known], clusters[known]
    groups = len(np.unique(clusters))
    if groups < 2:
        return None
    if groups == len(scores) and ((scores == 0) | (scores == 1)).all():
        return *wilson_interval(float(scores.sum()), len(scores)), "Wilson"
    error = clustered_standard_error(scores, clusters)
    low, high = t_interval(float(scores.mean()), error, groups - 1)
    return low, high, "t" if groups == len(scores) else f"t, clustered standard error, {groups} clusters"


def error_of_mean(values: np.ndarray) -> float:
    """The standard error of a mean of independent values: for 0/1 scores sqrt(p (1 - p) / (n - 1))."""
    return float(values.std(ddof=1) / math.sqrt(len(values)))


def is_binary(values: np.ndarray) -> bool:
    """Whether all values are 0 or 1."""
    return bool(((values == 0) | (values == 1)).all())
