"""Exact and clustered tests and intervals for a difference over the same items."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from parts.statistics.evidence import StudentT
from parts.statistics.intervals import clustered_standard_error, error_of_mean, is_binary

if TYPE_CHECKING:
    import numpy as np

FEW_ITEMS = 50  # below, the normal approximations give way to a posterior
SIGN_FLIPS = 9_999
EXACT_FLIPS = 12  # differences whose signs are flipped in all ways
FLIP_BATCH = 2**21  # numbers drawn at once
RANDOM_SEED = 20_260_101  # the answer to a question does not change when it is asked again


def proportion_interval(right: float, n: float, alpha: float = 0.05, method: str = "wilson") -> tuple[float, float]:
    """The interval of a single proportion: "wilson", or "beta" for the exact one of Clopper and Pearson."""
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(right, n, alpha, method)
    return float(low), float(high)


def beta_interval(right: float, n: float, alpha: float = 0.05) -> tuple[float, float]:
    """The equal-tailed posterior interval of a single proportion under a uniform prior."""
    from scipy import special

    low, high = special.betaincinv(right + 1, n - right + 1, [alpha / 2, 1 - alpha / 2])
    return float(low), float(high)


def mcnemar_p(up: int, down: int) -> float:
    """Exact two-sided p-value of "as many items were gained as lost"."""
    from statsmodels.stats.contingency_tables import mcnemar

    return float(mcnemar([[0, up], [down, 0]], exact=True).pvalue) if up + down else 1.0


def sign_flip_p(differences: np.ndarray, alternative: str = "two-sided") -> float:
    """p-value of "the differences are symmetric around zero" by flipping their signs at random; exact up to 12.

    alternative: "two-sided", "greater" or "less", of the mean. The order of the differences does not matter.
    """
    import numpy as np
    from scipy import stats

    ordered, rng = np.sort(differences), np.random.default_rng(RANDOM_SEED)
    if len(ordered) <= EXACT_FLIPS:
        options = {"permutation_type": "samples", "alternative": alternative, "n_resamples": 2**EXACT_FLIPS}
        return float(stats.permutation_test((ordered,), lambda x, axis: np.mean(x, axis=axis), **options).pvalue)
    if alternative != "two-sided":
        signed = ordered if alternative == "greater" else -ordered
        return flips_as_large(signed, float(signed.sum()), rng)
    return min(1.0, 2 * min(sign_flip_p(ordered, side) for side in ("greater", "less")))


def flips_as_large(differences: np.ndarray, total: float, rng: np.random.Generator) -> float:
    """The share of random sign flips whose sum is at least `total`, the observed one counted in.

    What scipy's permutation_test does, some twenty times faster: a draw is a row of a matrix product.
    """
    import numpy as np

    count, reached, step = len(differences), 0, max(1, FLIP_BATCH // len(differences))
    for begin in range(0, SIGN_FLIPS, step):
        bits = rng.integers(0, 256, (min(step, SIGN_FLIPS - begin), (count + 7) // 8), np.uint8)
        kept = np.unpackbits(bits, axis=1, count=count) @ differences
        reached += int((2 * kept - differences.sum() >= total - 1e-12 * abs(total)).sum())
    return (1 + reached) / (1 + SIGN_FLIPS)


def step_levels(p_values: Sequence[float], alpha: float, method: str) -> list[tuple[float, float]]:
    """(adjusted p-value, level) of each test of a family; method "holm" or "fdr_bh".

    The level is the one that the procedure holds the raw p-value against, so "p <= level", "adjusted p <= alpha" and
    "the bound taken at this level excludes the limit" are one statement.
    """
    from statsmodels.stats.multitest import multipletests

    if not p_values:
        return []
    rejected, adjusted, _, _ = multipletests(p_values, alpha, method)
    count, wins = len(p_values), int(rejected.sum())
    ranks = {index: rank for rank, index in enumerate(sorted(range(count), key=lambda i: p_values[i]))}
    levels = []
    for i in range(count):
        if method == "holm":
            level = alpha / (count - min(ranks[i], wins))
        else:
            level = alpha * (wins if rejected[i] else wins + 1) / count
        levels.append((float(adjusted[i]), min(level, alpha)))
    return levels


def paired_variance(between: float, within: tuple[float, float], repeats: int) -> float:
    """The variance of an item's difference when each side answers it `repeats` times (arXiv 2411.00640, section 3)."""
    return between + (within[0] + within[1]) / repeats


def quantile_sum(alpha: float, power: float, sides: int) -> float:
    """z(1 - alpha / sides) + z(power), the distance in standard errors that a test with this power needs."""
    from scipy import special

    return float(special.ndtri(1 - alpha / sides) + special.ndtri(power))


def items_for(variance: float, distance: float, alpha: float = 0.05, power: float = 0.8, sides: int = 1) -> int:
    """How many paired items show a difference that lies `distance` from the limit, at this variance of an item."""
    return math.ceil(variance * (quantile_sum(alpha, power, sides) / distance) ** 2 - 1e-9)


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


def single_score_interval(values: np.ndarray, groups: np.ndarray | None, alpha: float = 0.05) -> tuple[float, float]:
    """The interval of one score: Wilson for 0/1 items (a Beta posterior below 50), t for the rest and for clusters."""
    n = len(values)
    if groups is not None:
        count = int(groups.max()) + 1
        return StudentT(float(values.mean()), clustered_standard_error(values, groups), count - 1).interval(alpha)
    if is_binary(values):
        right = float(values.sum())
        return (proportion_interval if n >= FEW_ITEMS else beta_interval)(right, n, alpha)
    return StudentT(float(values.mean()), error_of_mean(values), n - 1).interval(alpha)
