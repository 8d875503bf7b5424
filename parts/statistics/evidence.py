"""How strong a difference is: paired and unpaired evidence, as intervals, tails and posteriors."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

POSTERIOR_NODES = 4096


class Evidence:
    """What some data say about a true difference; p-values and bounds come from one function, so they always agree."""

    reach = 1.0  # no difference is larger

    def p_above(self, value: float) -> float:
        """One-sided p-value (or posterior probability) of "the difference is at most `value`"."""
        raise NotImplementedError

    def mirrored(self) -> Evidence:
        """The same data with baseline and candidate exchanged."""
        raise NotImplementedError

    def p_below(self, value: float) -> float:
        """One-sided p-value of "the difference is at least `value`"."""
        return self.mirrored().p_above(-value)

    def lower(self, level: float) -> float:
        """The lower bound that is one-sided at `level`: the smallest value that p_above does not reject."""
        from scipy import optimize

        if self.p_above(-self.reach) >= level:
            return -self.reach
        return float(optimize.brentq(lambda x: self.p_above(x) - level, -self.reach, self.reach, xtol=1e-13))

    def upper(self, level: float) -> float:
        """The upper bound that is one-sided at `level`."""
        return 0.0 - self.mirrored().lower(level)

    def interval(self, level: float) -> tuple[float, float]:
        """The two-sided interval with the coverage 1 - `level`."""
        return self.lower(level / 2), self.upper(level / 2)


@dataclass(frozen=True, slots=True)
class StudentT(Evidence):
    """A mean difference with its standard error: t with `df` degrees of freedom, normal when these are infinite."""

    mean: float
    standard_error: float
    df: float

    def p_above(self, value: float) -> float:
        """See Evidence."""
        if self.standard_error == 0:
            return float(value >= self.mean)
        return tail((self.mean - value) / self.standard_error, self.df)

    def lower(self, level: float) -> float:
        """See Evidence; in closed form."""
        from scipy import special

        quantile = special.ndtri(level) if math.isinf(self.df) else special.stdtrit(self.df, level)
        return float(self.mean + quantile * self.standard_error)

    def mirrored(self) -> StudentT:
        """See Evidence."""
        return StudentT(-self.mean, self.standard_error, self.df)


@dataclass(frozen=True, slots=True)
class PairedScore(Evidence):
    """The score test and interval for a difference of paired proportions (Tango, Stat Med 1998;17:891).

    up, down: items that only the candidate, only the baseline has right; n: all items; each divided by the design
    effect where items are clustered (Rao and Scott 1992), and then with t instead of normal tails. No library has it.
    """

    up: float
    down: float
    n: float
    df: float = math.inf
    reach: float = 1.0

    def p_above(self, value: float) -> float:
        """See Evidence."""
        x = value / self.reach if abs(value) > 1e-12 * self.reach else 0.0  # b * b below would be rounded to nothing
        if not -1 < x < 1:
            return float(x >= 1)
        # The maximum-likelihood share of "only the baseline" when the true difference is x.
        a = 2 * self.n
        b = (2 * self.n - self.up + self.down) * x - self.up - self.down
        c = -self.down * x * (1 - x)
        only_baseline = (math.sqrt(max(b * b - 4 * a * c, 0.0)) - b) / (2 * a)
        variance = self.n * max(2 * only_baseline + x * (1 - x), 0.0)
        distance = self.up - self.down - self.n * x
        if variance <= 0:
            return 0.5 if distance == 0 else float(distance < 0)
        return tail(distance / math.sqrt(variance), self.df)

    def mirrored(self) -> PairedScore:
        """See Evidence."""
        return replace(self, up=self.down, down=self.up)


@dataclass(frozen=True, slots=True)
class PairedPosterior(Evidence):
    """The posterior of a difference of paired proportions under a uniform Dirichlet prior over the four outcomes.

    The disagreements are a Beta share of the items, the candidate's part of them a Beta share of those, independently.
    """

    up: float
    down: float
    n: float
    reach: float = 1.0

    def p_above(self, value: float) -> float:
        """See Evidence: P(difference <= value | data)."""
        import numpy as np
        from scipy import special

        share = beta_nodes(self.up + self.down + 2, self.n - self.up - self.down + 2)
        part = np.clip((1 + value / self.reach / share) / 2, 0.0, 1.0)
        return float(special.betainc(self.up + 1, self.down + 1, part).mean())

    def mirrored(self) -> PairedPosterior:
        """See Evidence."""
        return replace(self, up=self.down, down=self.up)


@dataclass(frozen=True, slots=True)
class UnpairedPosterior(Evidence):
    """The posterior of a difference of two independent proportions, each with a uniform Beta prior.

    baseline, candidate: (right answers, items).
    """

    baseline: tuple[float, float]
    candidate: tuple[float, float]

    def p_above(self, value: float) -> float:
        """See Evidence: P(candidate - baseline <= value | data)."""
        import numpy as np
        from scipy import special

        right, n = self.baseline
        limit = np.clip(beta_nodes(right + 1, n - right + 1) + value, 0.0, 1.0)
        right, n = self.candidate
        return float(special.betainc(right + 1, n - right + 1, limit).mean())

    def mirrored(self) -> UnpairedPosterior:
        """See Evidence."""
        return UnpairedPosterior(self.candidate, self.baseline)


@dataclass(frozen=True, slots=True)
class Widest(Evidence):
    """The hull of several: a claim holds when each of them supports it."""

    parts: tuple[Evidence, ...]

    def p_above(self, value: float) -> float:
        """See Evidence."""
        return max(part.p_above(value) for part in self.parts)

    def lower(self, level: float) -> float:
        """See Evidence."""
        return min(part.lower(level) for part in self.parts)

    def mirrored(self) -> Widest:
        """See Evidence."""
        return Widest(tuple(part.mirrored() for part in self.parts))


def two_sided(evidence: Evidence) -> float:
    """The two-sided p-value of "there is no difference"."""
    return min(1.0, 2 * min(evidence.p_above(0.0), evidence.p_below(0.0)))


def tail(statistic: float, df: float) -> float:
    """P(T > statistic) for t with `df` degrees of freedom, or for a normal variable."""
    from scipy import special

    return float(special.ndtr(-statistic) if math.isinf(df) else special.stdtr(df, -statistic))


@functools.lru_cache(maxsize=256)
def beta_nodes(a: float, b: float) -> np.ndarray:
    """Quantiles of a Beta distribution at evenly spaced probabilities: its mean over them is an expectation."""
    import numpy as np
    from scipy import special

    return special.betaincinv(a, b, (np.arange(POSTERIOR_NODES) + 0.5) / POSTERIOR_NODES)
