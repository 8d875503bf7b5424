"""Whether claimed scores fit measured ones, many at once; standard library alone.

Takes the two values with what is known of their precision, gives whether the claim fits and the interval of claims that
do: the null hypothesis is that both were drawn from the same rate. What nobody says of a claim, how many items it is
of, is taken as no more than ours were.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

LEAST_ITEMS = 10  # below, an interval says nothing
CLAIM_HALVINGS = 60  # that find an interval's end to the last digit
Claims = tuple[float, float]


@dataclass(frozen=True, slots=True)
class OpenScore:
    """A score that is no mean of shares (word errors, BLEU, perplexity): `n` items, its own standard error above 0.

    `positive`: it cannot be below 0, so that its error is taken to grow with it, as those of counts and of ratios do.
    """

    value: float
    n: int
    standard_error: float
    positive: bool = True


@dataclass(frozen=True, slots=True)
class MeasuredScore:
    """A mean on a range of 0 to 1: `n` items with a score, `lost` without one; its error where it is not 0/1 scores."""

    value: float
    n: int
    lost: int = 0
    standard_error: float | None = None

    @property
    def bounds(self) -> tuple[float, float]:
        """The mean if all lost answers were wrong, and if all were right."""
        made = self.n + self.lost
        return self.value * self.n / made, (self.value * self.n + self.lost) / made

    def variance(self, rate: float) -> float:
        """Of one item's score, at a rate: binomial, or as the error says where it is no 0/1 score."""
        binomial = rate * (1 - rate)
        if self.standard_error is None or self.value in (0, 1):
            return binomial
        share = self.standard_error**2 * self.n / max(self.value * (1 - self.value), 1e-12)
        return binomial * share


def critical(level: float, freedom: float) -> float:
    """What a t variable exceeds in absolute value with this probability (the expansion of Cornish and Fisher)."""
    z = NormalDist().inv_cdf(1 - level / 2)
    cubic, fifth = (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96
    return z + cubic / freedom + fifth / freedom**2


def fitting_claims(fits: Callable[[float], bool], ours: tuple[float, float], least: float, most: float) -> Claims:
    """The lowest and highest claim that fits what was measured (`ours`: its bounds, which fit), between two ends."""
    ends = []
    for inside, outside in ((ours[0], least), (ours[1], most)):
        if fits(outside):
            ends.append(outside)
            continue
        for _ in range(CLAIM_HALVINGS):
            middle = (inside + outside) / 2
            inside, outside = (middle, outside) if fits(middle) else (inside, middle)
        ends.append(inside)
    return ends[0], ends[1]


def measured_interval(score: MeasuredScore, level: float, half: float = 0.0, most: int | None = None) -> Claims:
    """The claims, rounded by at most `half`, that fit a mean of shares: what `claim_fits` accepts."""
    return fitting_claims(lambda claim: claim_fits(claim, half, score, level, most), score.bounds, 0.0, 1.0)


def open_interval(score: OpenScore, level: float, half: float = 0.0) -> Claims:
    """The claims, rounded by at most `half`, that fit a score with its own error; the end may be infinite."""
    reach = critical(level, score.n - 1) * math.sqrt(2) * score.standard_error
    low, high = score.value - reach - half, score.value + reach + half
    if not score.positive:
        return low, high
    ratio = reach / score.value
    return max(0.0, low), (score.value + half) / (1 - ratio) if ratio < 1 else math.inf


def open_claim_fits(claim: float, half: float, score: OpenScore, level: float) -> bool:
    """Whether a claim, rounded by at most `half`, may be another measurement of the same thing.

    Student's t for the difference of two scores with the error of ours, the claim's items as many as ours. Where it
    cannot be below 0 the error is that at the higher of both: a sample without the rare large values has a low score
    and a low error at once, and would call too many true claims wrong.
    """
    distance = abs(claim - score.value) - half
    grown = max(1.0, claim / score.value) if score.positive else 1.0
    return distance <= critical(level, score.n - 1) * math.sqrt(2) * score.standard_error * grown


def claim_fits(claim: float, half: float, score: MeasuredScore, level: float, most: int | None = None) -> bool:
    """Whether a claimed rate, rounded by at most `half`, may be of the same rate as the measured one.

    A test of two proportions with the correction for continuity (Yates 1934) at the two-sided level `level`. `most`:
    items of the whole benchmark; the claim is taken to be of as many as ours, and of no more than that.
    """
    low, high = score.bounds
    distance = max(low - claim, claim - high, 0.0) - half
    if distance <= 0:
        return True
    near = low if claim < low else high
    other = min(score.n, most or score.n)
    rate = min(max((near * score.n + claim * other) / (score.n + other), 0.0), 1.0)
    each = 1 / score.n + 1 / other
    spread = math.sqrt(score.variance(rate) * each)
    z = critical(level, score.n - 1) if score.standard_error is not None else NormalDist().inv_cdf(1 - level / 2)
    return distance - each / 2 <= z * spread
