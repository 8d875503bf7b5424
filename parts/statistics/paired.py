"""Families of tests, exact tests of counts, repeated runs, and how many items a difference takes."""

from __future__ import annotations

import math
from collections.abc import Sequence


def mcnemar_p(up: int, down: int) -> float:
    """Exact two-sided p-value of "as many items were gained as lost"."""
    count, total, ways = up + down, 0, 1
    for k in range(min(up, down) + 1):
        total, ways = total + ways, ways * (count - k) // (k + 1)
    return min(1.0, 2 * total / 2**count)  # whole numbers of any size divide exactly


def step_levels(p_values: Sequence[float], alpha: float, method: str) -> list[tuple[float, float]]:
    """(adjusted p-value, level) of each test of a family; method "holm" or "fdr_bh".

    The level is the one that the procedure holds the raw p-value against, so "p <= level", "adjusted p <= alpha" and
    "the bound taken at this level excludes the limit" are one statement.
    """
    count = len(p_values)
    order = sorted(range(count), key=lambda i: p_values[i])
    adjusted, bound = [1.0] * count, 0.0 if method == "holm" else 1.0
    for rank in range(count) if method == "holm" else reversed(range(count)):  # Holm 1979; Benjamini and Hochberg 1995
        i = order[rank]
        bound = (
            max(bound, (count - rank) * p_values[i])
            if method == "holm"
            else min(bound, count * p_values[i] / (rank + 1))
        )
        adjusted[i] = min(bound, 1.0)
    rejected = [p <= alpha for p in adjusted]
    ranks, wins = {index: rank for rank, index in enumerate(order)}, sum(rejected)
    levels = []
    for i in range(count):
        if method == "holm":
            level = alpha / (count - min(ranks[i], wins))
        else:
            level = alpha * (wins if rejected[i] else wins + 1) / count
        levels.append((adjusted[i], min(level, alpha)))
    return levels


def paired_variance(between: float, within: tuple[float, float], repeats: int) -> float:
    """The variance of an item's difference when each side answers it `repeats` times (arXiv 2411.00640, section 3)."""
    return between + (within[0] + within[1]) / repeats


def quantile_sum(alpha: float, power: float, sides: int) -> float:
    """z(1 - alpha / sides) + z(power), the distance in standard errors that a test with this power needs."""
    from scipy import special

    return float(special.ndtri(1 - alpha / sides) + special.ndtri(power))


def detectable(variance: float, n: int, alpha: float = 0.05, power: float = 0.8, sides: int = 2) -> float:
    """The smallest true difference that `n` paired items show with this power."""
    return quantile_sum(alpha, power, sides) * math.sqrt(variance / n)


def mean_of_runs(scores: Sequence[float], alpha: float = 0.05) -> tuple[float, float, float]:
    """(mean, standard deviation, half-width of the t interval of the mean) of two or more repeated runs."""
    from scipy import special

    count = len(scores)
    mean = math.fsum(scores) / count
    deviation = math.sqrt(math.fsum((score - mean) ** 2 for score in scores) / (count - 1))
    return mean, deviation, float(special.stdtrit(count - 1, 1 - alpha / 2)) * deviation / math.sqrt(count)
