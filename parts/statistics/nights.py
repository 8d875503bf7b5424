"""Nights as a sequence: what many small measurements show together, however often one looks; and since when they drift.

Takes, for each night, the differences of paired items (more is better) and what these share with other nights: the same
item, or the same passage. Gives evidence about their mean that holds at every look (Robbins 1970: a mixture over the
size of the effect, so an e-value; by Ville's inequality it reaches 1 / alpha with probability alpha at most), and the
drift that is shown, if one is, with the night that it began after.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from parts.statistics.differences import Evidence, paired_difference
from parts.statistics.intervals import interval_from_bounds

if TYPE_CHECKING:
    import numpy as np

FEWEST_NIGHTS = 3  # to cumulate: two tell nothing of how much nights differ
FEWEST_TO_DRIFT = 6  # with fewer no order of the nights is rare enough to be shown
USUAL_EFFECT = 0.05  # of the range: the size that the mixture expects
EXACT_NIGHTS = 7  # up to here all orders of the nights are tried
ORDERS = 9_999
ORDER_SEED = 20_260_312


@dataclass(frozen=True, slots=True)
class Night:
    """One night's paired items: their differences (more is better), and what each shares with others (its own name)."""

    differences: np.ndarray
    shared: Sequence[Any]

    @property
    def gain(self) -> float:
        """The mean difference."""
        return float(self.differences.mean())


@dataclass(frozen=True, slots=True)
class Sequential:
    """What some nights show together: e-values against "the limit is missed" and against "it is kept", on average."""

    evidence: Evidence
    mean: float
    e_pass: float
    e_fail: float
    items: int


@dataclass(frozen=True, slots=True)
class Drift:
    """A trend that is shown: `slope` a night, from the night with this index on (0: from the first one)."""

    slope: float
    since: int
    p_value: float


def sequential_evidence(nights: Sequence[Night], limit: float, span: float | None) -> Sequential | None:
    """The nights as one sequence, held against a limit of the mean gain; None with too few.

    The variance is clustered by item (the same item asked each night counts once); to it comes what the nights' means
    spread beyond the noise of single answers, with t of its few degrees of freedom. Of its z the e-value is made.
    """
    import numpy as np

    if len(nights) < FEWEST_NIGHTS:
        return None
    names: dict[Any, int] = {}
    items = np.array([names.setdefault(name, len(names)) for night in nights for name in night.shared])
    together = np.concatenate([night.differences for night in nights])
    evidence = paired_difference(together, [items], span, night_variance(nights, items, together))
    error = interval_from_bounds(*(float(end) for end in evidence.interval(0.05)))
    scale = USUAL_EFFECT * (span or 1.0)
    passing = mixture_evidence(tail_to_z(evidence.p_above(limit)), error, scale)
    failing = mixture_evidence(tail_to_z(evidence.p_below(limit)), error, scale)
    return Sequential(evidence, float(together.mean()), passing, failing, len(names))


def night_variance(nights: Sequence[Night], items: Any, together: Any) -> tuple[float, float]:
    """(variance that differing nights add to the mean of all, its degrees of freedom); 0 where noise explains them.

    An item's answers scatter around its mean over the nights; one that was asked once, around its night's mean.
    """
    import numpy as np

    sizes = np.array([len(night.differences) for night in nights])
    numbers = np.repeat(np.arange(len(nights)), sizes)
    gains = np.bincount(numbers, together) / sizes
    times = np.bincount(items)
    own = np.bincount(items, together) / np.maximum(times, 1)
    again = times[items] > 1
    center = np.where(again, own[items], gains[numbers])
    freed = np.where(again, times[items] / np.maximum(times[items] - 1.0, 1.0), sizes[numbers] / (sizes[numbers] - 1.0))
    noise = float((np.bincount(numbers, freed * (together - center) ** 2) / sizes**2).mean())
    excess = float(gains.var(ddof=1)) - noise
    return (excess / len(nights), len(nights) - 1.0) if excess > 0 else (0.0, math.inf)


def tail_to_z(p: float) -> float:
    """The normal value with this upper tail."""
    from scipy import special

    return float(-special.ndtri(min(max(p, 1e-300), 1 - 1e-16)))


def mixture_evidence(z: float, error: float, scale: float) -> float:
    """The e-value of an estimate that lies z of its standard errors above the limit, for effects of about `scale`.

    The likelihood ratio of a half-normal mixture over the effect against none; with t = (scale / error)^2:
    2 (1 + t)^(-1/2) exp(z^2 t / (2 (1 + t))) Phi(z (t / (1 + t))^(1/2))
    """
    from scipy import special

    if not error > 0:
        return 1.0
    t = (scale / error) ** 2
    share = t / (1 + t)
    return float(2 / math.sqrt(1 + t) * math.exp(min(600.0, z * z * share / 2)) * special.ndtr(z * math.sqrt(share)))


def drift_of(gains: Sequence[float], alpha: float = 0.05) -> Drift | None:
    """The drift of a sequence of means, if one is shown: level until some night, then a line.

    The largest reduction of the squares that such a broken line brings, against what it brings for the nights in any
    other order: exact where nights can be exchanged when nothing drifts, whatever they share and however they scatter.
    """
    import numpy as np

    values = np.array(gains, float)
    n = len(values)
    if n < FEWEST_TO_DRIFT or np.ptp(values) < 1e-12:
        return None
    bends = np.maximum(0.0, np.arange(n)[None, :] - np.arange(n - 2)[:, None])
    bends -= bends.mean(axis=1, keepdims=True)
    lengths = (bends**2).sum(axis=1)

    def reductions(rows: np.ndarray) -> np.ndarray:
        return (rows @ bends.T) ** 2 / lengths

    if n <= EXACT_NIGHTS:
        orders = values[np.array(list(itertools.permutations(range(n))))]
    else:
        rng = np.random.default_rng(ORDER_SEED)
        orders = np.concatenate([values[None, :], rng.permuted(np.tile(values, (ORDERS, 1)), axis=1)])
    seen = reductions(values[None, :])[0]
    best = int(seen.argmax())
    p_value = float((reductions(orders).max(axis=1) >= seen[best] * (1 - 1e-9)).mean())
    if p_value > alpha:
        return None
    return Drift(float(values @ bends[best] / lengths[best]), best, p_value)
