"""Resamples of scores of a whole corpus: bootstrap, halves, approximate randomization; the evidence in a difference.

Takes (items, d) arrays of statistics (parts/statistics/corpus.py), one for each side or checkpoint, row by row the same
items, and what the items share. Gives draws of the scores, p-values, and an Evidence like those of differences.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from parts.statistics.corpus import FORMULAS
from parts.statistics.differences import Evidence
from parts.statistics.resampling import resampling_weights

CORPUS_DRAWS = 10_000
ROW_DRAWS = 1_000  # of scores that are no function of sums: each draw is computed from its items


def grouped_rows(rows: Sequence[Any], groups: Any) -> tuple[list[Any], int]:
    """(sums of the statistics over each group, how many groups); the items alone where nothing is shared."""
    import numpy as np

    if groups is None:
        return list(rows), len(rows[0])
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(np.asarray(groups)[order], prepend=-1))
    return [np.add.reduceat(own[order], starts, axis=0) for own in rows], len(starts)


def drawn_units(formula: str, sides: Sequence[Any], groups: Any) -> tuple[list[Any], int, Any]:
    """(what weights are put on for each side, how many units are drawn, the unit of each row): sums of groups, or rows
    where the score is no function of sums."""
    if FORMULAS[formula].by_rows:
        return list(sides), len(sides[0]) if groups is None else 1 + int(groups.max()), groups
    rows, units = grouped_rows(sides, groups)
    return rows, units, None


def drawn_scores(formula: str, sides: Sequence[Any], groups: Any, draws: int, seed: Sequence[int]) -> Any:
    """(sides, draws) scores of bootstrap draws of the items, or of their groups: the same ones for all sides."""
    import numpy as np

    rule, found = FORMULAS[formula], []
    rows, units, places = drawn_units(formula, sides, groups)
    for weights in resampling_weights(np.random.default_rng(seed), draws, units):
        weights = weights if places is None else weights[:, places]
        found.append([rule.weighted(own, weights) for own in rows])
    return np.concatenate([np.array(part) for part in found], axis=1)


def half_scores(formula: str, sides: Sequence[Any], groups: Any, splits: int, seed: Sequence[int]) -> Any:
    """Scores on a random half of the items (or groups) and on the other, both ways round: (2, sides, 2 splits)."""
    import numpy as np

    rule = FORMULAS[formula]
    rows, units, places = drawn_units(formula, sides, groups)
    place = np.random.default_rng(seed).random((splits, units)).argsort(1)
    half = (place < units // 2 + np.arange(splits)[:, None] % 2 * (units % 2)).astype(float)
    half = half if places is None else half[:, places]
    one, other = (np.array([rule.weighted(own, weights) for own in rows]) for weights in (half, 1 - half))
    return np.stack([np.hstack([one, other]), np.hstack([other, one])])


def randomization_p(formula: str, one: Any, other: Any, groups: Any, trials: int, seed: Sequence[int]) -> float:
    """The two-sided p-value of "it makes no difference which side gave which answer": approximate randomization.

    Items (or groups) change sides at random (Noreen 1989, Riezler and Maxwell 2005); (c + 1) / (trials + 1) for the c
    trials with a difference at least as large as the observed one. sacrebleu's --paired-ar counts larger ones alone,
    which is nearly the same for BLEU, and too little for errors that are whole numbers and often equal.
    """
    import numpy as np

    rule, rng = FORMULAS[formula], np.random.default_rng(seed)
    observed, larger = abs(rule.of(one) - rule.of(other)), 0
    (one, other), units, place = drawn_units(formula, [one, other], groups)
    place = slice(None) if place is None else place
    step = 1 if rule.by_rows else max(1, 2_000_000 // units)
    for begin in range(0, trials, step):
        kept = rng.integers(2, size=(min(step, trials - begin), units), dtype=bool)[:, place]
        if rule.by_rows:
            mask = kept[0][:, None]
            scores = np.array([rule.of(np.where(mask, one, other)) - rule.of(np.where(mask, other, one))])
        else:
            mixed = kept @ (one - other)
            scores = rule.factor * (rule.compute(mixed + other.sum(0)) - rule.compute(one.sum(0) - mixed))
        larger += int((np.abs(scores) >= observed - 1e-12 * max(1.0, observed)).sum())
    return (larger + 1) / (trials + 1)


@dataclass(frozen=True, slots=True)
class Resampled(Evidence):
    """A difference as the paired bootstrap has it: percentiles at the level that few units ask for (Hesterberg 2015).

    drawn: the sorted differences of the draws; freedom: units less 1, of the t quantile that the level comes from.
    Beyond the draws the bound goes on in their standard deviations. swing: where few items changed, how much the score
    would if all did; the draws know nothing of changes that were not met, and the exact bound of their share is added.
    """

    drawn: Any
    error: float
    freedom: float
    changed: float = 0.0
    swing: float = 0.0

    def low_end(self, critical: Any) -> Any:
        """See Evidence."""
        import numpy as np
        from scipy import special

        if np.ndim(critical):
            return np.array([self.low_end(float(one)) for one in critical])
        wide = critical * math.sqrt((self.freedom + 1) / self.freedom)
        last = len(self.drawn) - 1
        place, edge = float(special.ndtr(-wide)) * last, min(10.0, last / 4)
        beyond = 0.0
        if place < edge:
            place, beyond = edge, (wide + float(special.ndtri(edge / last))) * self.error
        low = int(place)
        high = min(low + 1, last)
        found = self.drawn[low] + (place - low) * (self.drawn[high] - self.drawn[low])
        return float(found) - beyond - self.unmet(critical)

    def unmet(self, critical: float) -> float:
        """What items that were not met could change, at a critical value: the bound of Clopper and Pearson."""
        from scipy import special

        n = self.freedom + 1
        if not self.swing or self.changed >= n:
            return 0.0
        most = float(special.betaincinv(self.changed + 1, n - self.changed, special.ndtr(critical)))
        return self.swing * max(0.0, most - self.changed / n)

    def mirrored(self) -> Resampled:
        """See Evidence."""
        return replace(self, drawn=-self.drawn[::-1])

    def planned(self, times: float, unchanged: bool) -> tuple[Resampled, float]:
        """See Evidence."""
        middle = float(self.drawn[len(self.drawn) // 2])
        drawn = (self.drawn - middle) / math.sqrt(times) + (0.0 if unchanged else middle)
        error = self.error / math.sqrt(times)
        then = replace(self, drawn=drawn, error=error, freedom=max(1.0, (self.freedom + 1) * times - 1))
        return replace(then, changed=self.changed * times), error


def draws_for(formula: str, items: int) -> int:
    """How many draws are made: fewer of scores by rows, and of very many items."""
    return ROW_DRAWS if FORMULAS[formula].by_rows else max(ROW_DRAWS, min(CORPUS_DRAWS, 10**9 // max(items, 1)))
