"""Models that met in the same votes: how far their ratings lie apart, and how sure that is.

A win of one is a loss of the other, so scores from the same votes move against each other: with errors taken as
independent, 58 to 42 of 100 looks certain (it is not, p = 0.13). Takes votes; gives the errors of ratings (Bradley and
Terry 1952) and of shares of votes won, together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from parts.statistics.bounded import critical_value
from parts.statistics.differences import Student, two_sided_p
from parts.statistics.intervals import CONFIDENCE

if TYPE_CHECKING:
    import numpy as np

TOGETHER_DRAWS = 20_000  # for intervals that hold together


def gap_evidence(gap: float, error: float, freedom: float, metric: str, votes: float) -> Student:
    """What the gap of two scores of one file shows, to a comparison and a leaderboard; votes: of the one with less.

    Corrected for continuity by what half a vote between the two is worth, so that few votes do not tell too much.
    """
    return Student(gap, error, freedom, slack=1 / max(votes, 1.0) if metric == "win_rate" else error**2 / 2)


def gap_statistic(evidence: Student) -> float:
    """The statistic of the test of no gap as that of a normal variable."""
    return math.copysign(float(critical_value(max(two_sided_p(evidence), 1e-300) / 2)), evidence.mean)


@dataclass(frozen=True, slots=True)
class RatingErrors:
    """How far off Bradley-Terry ratings may be: their covariances by single votes, and by each way of sharing.

    groups: how many raters, or prompts, there are, for each way of sharing.
    """

    single: np.ndarray
    shared: Sequence[np.ndarray]
    groups: Sequence[int]

    def of(self, contrasts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(standard errors, degrees of freedom) of (k, models) contrasts of the ratings.

        The variances of all ways less that of single votes, which are counted in each, and never below that (Cameron,
        Gelbach and Miller 2011); degrees of freedom by Satterthwaite, at least those of the way with fewest groups.
        """
        import numpy as np

        single, *shared = [
            np.maximum(np.einsum("ki,ij,kj->k", contrasts, part, contrasts), 0) for part in (self.single, *self.shared)
        ]
        if not shared:
            return np.sqrt(single), np.full(len(contrasts), np.inf)
        free = [count - 1 for count in self.groups]
        total = np.maximum(sum(shared) - (len(shared) - 1) * single, single)
        parts = sum(variance**2 / own for variance, own in zip(shared, free, strict=True))
        freedom = np.where(parts > 0, total**2 / np.where(parts > 0, parts, 1.0), np.inf)
        if min(free) == 1:  # two raters who agree by chance would hide how far raters differ
            freedom = np.ones(len(contrasts))
        return np.sqrt(total), np.maximum(freedom, min(free))

    def together(self, contrasts: np.ndarray, seed: int) -> np.ndarray:
        """(k,) half-widths of intervals of contrasts that hold together with 95 %: the quantile of the largest |t|, by
        draws of normal variables (max-t, Hothorn, Bretz and Westfall 2008)."""
        import numpy as np
        from scipy import special

        largest, noise = [], np.random.default_rng(seed).standard_normal((TOGETHER_DRAWS, len(contrasts)))
        for part in (self.single, *self.shared):
            covariance = contrasts @ part @ contrasts.T
            scale = np.sqrt(np.maximum(covariance.diagonal(), 1e-300))
            values, vectors = np.linalg.eigh(covariance / scale / scale[:, None])
            drawn = noise @ (vectors * np.sqrt(np.maximum(values, 0))).T
            largest.append(float(np.quantile(np.abs(drawn).max(1), CONFIDENCE)))
        errors, freedom = self.of(contrasts)
        level = float(special.ndtr(-max(*largest, float(critical_value((1 - CONFIDENCE) / 2)))))
        return errors * critical_value(level, freedom)


def rating_errors(cells: np.ndarray, ratings: np.ndarray, ways: Sequence[Any]) -> RatingErrors:
    """The errors of maximum-likelihood ratings of votes (a, b, share of a), which share something by `ways`.

    The sandwich of the joint model (Liang and Zeger 1986): what each vote, or the votes of one group, pull at the
    ratings. Residuals are divided by the root of 1 - leverage (MacKinnon and White 1985, HC2), since few votes of a
    model are fitted too well; G groups count with G / (G - 1). No draw is left without a rating, as bootstrap draws are
    in which somebody won always.
    """
    import numpy as np

    a, b, share = cells[:, 0].astype(int), cells[:, 1].astype(int), cells[:, 2]
    chance = 1 / (1 + np.exp(ratings[b] - ratings[a]))
    weight, models = chance * (1 - chance), len(ratings)
    met = np.bincount(a * models + b, weight, models**2).reshape(models, models)
    met = met + met.T
    bread = np.linalg.pinv(np.diag(met.sum(1)) - met, hermitian=True)
    leverage = weight * (bread[a, a] + bread[b, b] - 2 * bread[a, b])
    pull = (share - chance) / np.sqrt(np.maximum(1 - leverage, 1e-3))
    return errors_of_pulls(a, b, pull, -pull, bread, ways)


def rate_errors(cells: np.ndarray, models: int, ways: Sequence[Any]) -> tuple[np.ndarray, RatingErrors]:
    """(each model's share of its votes, how far off they are together): a vote counts for both its models."""
    import numpy as np

    a, b, share = cells[:, 0].astype(int), cells[:, 1].astype(int), cells[:, 2]
    count = np.bincount(a, minlength=models) + np.bincount(b, minlength=models)
    rates = (np.bincount(a, share, models) + np.bincount(b, 1 - share, models)) / np.maximum(count, 1)
    bread = np.diag(1 / np.sqrt(np.maximum(count * (count - 1.0), 1.0)))
    return rates, errors_of_pulls(a, b, share - rates[a], 1 - share - rates[b], bread, ways)


def errors_of_pulls(a: Any, b: Any, at_a: Any, at_b: Any, bread: np.ndarray, ways: Sequence[Any]) -> RatingErrors:
    """The sandwiches of what each vote pulls at its two models, alone and added up in groups."""
    import numpy as np
    from scipy import sparse

    def covariance(group: Any, count: int, times: float) -> np.ndarray:
        places = np.concatenate([group, group]), np.concatenate([a, b])
        sums = sparse.csr_array((np.concatenate([at_a, at_b]), places), shape=(count, len(bread)))
        return times * bread @ (sums.T @ sums).toarray() @ bread

    groups = [int(way.max()) + 1 for way in ways]
    shared = [covariance(way, count, count / (count - 1)) for way, count in zip(ways, groups, strict=True)]
    return RatingErrors(covariance(np.arange(len(a)), len(a), 1.0), shared, groups)
