"""Standard errors and intervals of metrics: over items, groups, two ways, by bootstrap."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from parts.frame import ScriptError
from parts.metrics.attempts import item_means, unequal_attempts
from parts.metrics.vocabulary import Choices, Item, Metric, Scores, Spread
from parts.statistics.bounded import critical_value, score_interval, sharing_error
from parts.statistics.corpus import FORMULAS, classes_of, statistics_array
from parts.statistics.corpus_interval import corpus_spread, fisher_interval
from parts.statistics.intervals import CONFIDENCE

if TYPE_CHECKING:
    import numpy as np

ALL_ALIKE = "none: all draws are alike"
LAST_DIGITS = 1e-12  # the last digits of floats that are the same number
MOST_UNDEFINED = 0.025  # share of draws without a value above which there is no 95 % interval


def numbered(names: Iterable[str | None]) -> np.ndarray | None:
    """Names as numbers from 0 in the order of the names; None when each stands alone, so that nothing is shared."""
    import numpy as np

    names = list(names)
    if None in names:
        return None
    found, numbers = np.unique(np.array(names), return_inverse=True)
    return None if len(found) == len(names) else numbers


def groups_of(items: Sequence[Item]) -> np.ndarray | None:
    """The numbers of the items' groups, or None."""
    return numbered(item.group for item in items)


def ways_of_sharing(items: Sequence[Item]) -> list[np.ndarray]:
    """What ratings or votes share: groups, and raters; only what there is more than one of, and less than one each."""
    ways = [groups_of(items), numbered(item.value.rater for item in items)]
    return [numbers for numbers in ways if numbers is not None and numbers.max() > 0]


def clipped(value: float, low: float | None, high: float | None) -> float:
    """A number moved into a range that may be open."""
    value = value if low is None else max(low, value)
    return value if high is None else min(high, value)


def mean_spread(values: np.ndarray, ways: Sequence[np.ndarray | None], low: float | None, high: float | None) -> Spread:
    """The uncertainty of a mean of values that may share groups and raters; see parts/statistics/bounded.py."""
    import numpy as np

    interval = score_interval(values, ways, low, high)
    if interval is None:
        return Spread(method="none: one item only" if len(values) == 1 else "none: all items are in one group")
    error = sharing_error(values, ways) if len(values) > 1 else None
    if error and np.ptp(values) < LAST_DIGITS * np.abs(values).max():
        error = 0.0
    clustered = any(way is not None for way in ways)
    if error == 0 and (None in (low, high) or values[0] not in (low, high)):
        return Spread(method="none: all values are alike")
    return Spread(error, "clustered" if clustered else "analytic", *interval)


@dataclass(frozen=True, slots=True)
class Cells:
    """Items reduced to what a score of the whole file needs: unlike rows, and how often each occurs.

    rows: (U, d). counts: (U,). by_group: (G, U) counts in each group, where groups are drawn and not items.
    """

    rows: np.ndarray
    counts: np.ndarray
    by_group: Any = None

    @property
    def units(self) -> int:
        """How many things are drawn."""
        return int(self.counts.sum()) if self.by_group is None else self.by_group.shape[0]


def cells_of(features: np.ndarray, groups: np.ndarray | None) -> Cells:
    """The unlike rows of (items, d) features in a fixed order, so that the order of items decides nothing."""
    import numpy as np

    rows, inverse, counts = np.unique(features, axis=0, return_inverse=True, return_counts=True)
    if groups is None:
        return Cells(rows, counts)
    from scipy import sparse

    shape = (int(groups.max()) + 1, len(rows))
    return Cells(rows, counts, sparse.csr_array((np.ones(len(groups)), (groups, inverse.ravel())), shape=shape))


def drawn_counts(cells: Cells, draws: int, seed: int) -> Iterator[np.ndarray]:
    """How often each row of the cells occurs in each bootstrap draw of the items, or of the groups."""
    import numpy as np

    rng = np.random.default_rng(seed)
    n, alike = cells.units, len(cells.counts)
    for _ in range(draws):
        if cells.by_group is not None:
            yield np.bincount(rng.integers(0, n, n), minlength=n) @ cells.by_group
        elif alike == n:
            yield np.bincount(rng.integers(0, n, n), minlength=n)
        else:
            yield rng.multinomial(n, cells.counts / n)


def bootstrap(cells: Cells, statistic: Callable[[np.ndarray], float], choices: Choices) -> np.ndarray:
    """The statistic of each draw; it takes the count of each row of the cells."""
    import numpy as np

    draws = choices.draws if cells.units > 1 else 0
    return np.array([statistic(counts) for counts in drawn_counts(cells, draws, choices.seed)], float)


def draws_spread(value: float, drawn: np.ndarray, units: int, coefficient: bool = False) -> Spread:
    """The uncertainty in bootstrap draws: percentiles at the level that few units ask for (Hesterberg 2015), or of a
    coefficient between -1 and 1 on the scale of Fisher's z."""
    import numpy as np
    from scipy import special

    if units < 2 or not len(drawn):
        return Spread(method="none: one item or group only" if units < 2 else "none: --draws 0")
    finite = drawn[np.isfinite(drawn)]
    if len(finite) < (1 - MOST_UNDEFINED) * len(drawn) or len(finite) < 2:
        return Spread(method=f"none: undefined in {len(drawn) - len(finite)} of {len(drawn)} draws")
    if finite.min() == finite.max():
        return Spread(method=ALL_ALIKE)
    stretch = math.sqrt(units / (units - 1))
    tail = float(special.ndtr(-critical_value((1 - CONFIDENCE) / 2, units - 1) * stretch))
    ends, method = np.quantile(finite, [tail, 1 - tail]).tolist(), "expanded percentiles of the bootstrap"
    if coefficient:
        ends, method = fisher_interval(value, finite, units), "bootstrap, Fisher's z, t"
    return Spread(float(finite.std(ddof=1)) * stretch, "bootstrap", *ends, method, len(finite))


@dataclass(frozen=True, slots=True)
class WayDraws:
    """Bootstrap draws of (k,) statistics of votes: of single votes first, then of each way in which they are shared.

    units: how many votes, groups or raters were drawn. drawn: (draws, k) for each; NaN where a draw has no value.
    """

    units: Sequence[int]
    drawn: Sequence[np.ndarray]

    @property
    def freedom(self) -> int:
        """Degrees of freedom: the fewest things that were drawn, less one."""
        return min(self.units) - 1

    def of(self, made: Callable[[np.ndarray], np.ndarray]) -> WayDraws:
        """The draws of what is made of the statistics, as a difference of two."""
        return WayDraws(self.units, [made(drawn) for drawn in self.drawn])

    def deviation(self) -> np.ndarray:
        """(k,) standard errors where votes share items and raters (Cameron, Gelbach and Miller 2011): the variances of
        all ways less that of single votes, never below the largest of them."""
        import numpy as np

        pairs = zip(self.units, self.drawn, strict=True)
        single, *shared = [np.nanvar(drawn, axis=0, ddof=1) * n / (n - 1) for n, drawn in pairs]
        together = sum(shared) - (len(shared) - 1) * single if shared else single
        return np.sqrt(np.max([together, single, *shared], axis=0))

    def spread(self, place: int, value: float) -> Spread:
        """The uncertainty of one statistic: percentiles of single votes, or Student's t where votes are shared."""
        own = self.of(lambda drawn: drawn[:, [place]])
        alone = [draws_spread(value, drawn[:, 0], n) for n, drawn in zip(own.units, own.drawn, strict=True)]
        missing = [one for one in alone if one.low is None]
        none = next((one for one in missing if one.method != ALL_ALIKE), None)
        if none or len(alone) == 1 or len(missing) == len(alone):
            return none or alone[0]
        error = float(own.deviation()[0])
        half = float(critical_value((1 - CONFIDENCE) / 2, self.freedom)) * error
        words = f"bootstrap, Student t, {' x '.join(map(str, self.units[1:]))} clusters"
        return Spread(error, "bootstrap", value - half, value + half, words, len(self.drawn[0]))


def way_draws(
    features: np.ndarray, items: Sequence[Item], statistic: Callable[[np.ndarray, np.ndarray], Any], choices: Choices
) -> WayDraws:
    """Bootstrap draws of statistics of (votes, d) features, which get unlike rows and how often each occurs."""
    import numpy as np

    units, found = [], []
    for groups in [None, *ways_of_sharing(items)]:
        cells = cells_of(features, groups)
        draws = choices.draws if cells.units > 1 else 0
        counts = drawn_counts(cells, draws, choices.seed)
        watched = choices.watch(range(draws), "bootstrap draws")
        drawn = [np.atleast_1d(statistic(cells.rows, own)) for _, own in zip(watched, counts, strict=True)]
        units.append(cells.units)
        statistics = np.atleast_1d(statistic(cells.rows, cells.counts)).size
        found.append(np.array(drawn, float).reshape(draws, statistics))
    return WayDraws(units, found)


def unit_words(spread: Spread, groups: np.ndarray | None) -> Spread:
    """The same, saying that groups were drawn."""
    if groups is None or spread.standard_error is None:
        return spread
    return replace(spread, method=f"{spread.method} of {int(groups.max()) + 1} groups")


def mean_scores(values: Iterable[float], items: Sequence[Item], metric: Metric, **more: Any) -> Scores:
    """The mean over the items that have a value, with its uncertainty. ScriptError when none has one."""
    import numpy as np

    values = np.array(list(values), float)
    scored = np.isfinite(values)
    if not scored.any():
        raise ScriptError(f"{metric.name}: no item could be scored: {next(iter(more['reasons'].values()))}")
    own = [item for item, kept in zip(items, scored, strict=True) if kept]
    means, shared = values[scored], [item.group for item in own]
    if unequal_attempts(own):
        means, shared = item_means(means, own)
    low, high = more.get("low", metric.low), more.get("high", metric.high)
    spread = more.pop("spread", None) or mean_spread(means, [numbered(shared)], low, high)
    return Scores(clipped(float(means.mean()), low, high), items, values, spread, **more)


def corpus_scores(
    statistics: Any, formula: str, value: float, values: Iterable[float], items: Sequence[Item], metric: Metric,
    choices: Choices, **more: Any,
) -> Scores:  # fmt: skip
    """A score of the whole file, `value`, with its interval by the items' statistics.

    statistics: what each item adds, as parts/statistics/corpus.py has it; unlike ones are counted, so that a
    million items are a few cells.
    """
    import numpy as np

    if unequal_attempts(items):
        raise ScriptError(
            f"{metric.name} is a score of the whole file, and some items have more attempts than others, so they would "
            "weigh more: give each item equally many"
        )
    groups = groups_of(items)
    kept = statistics.tolist() if isinstance(statistics, np.ndarray) else statistics
    found = np.array(list(values), float)
    spread = unit_words(statistics_spread(statistics, formula, value, groups, choices), groups)
    return Scores(value, items, found, spread, formula=formula, statistics=kept, **more)


def statistics_spread(statistics: Any, formula: str, value: float, groups: Any, choices: Choices) -> Spread:
    """The uncertainty of a score of items' statistics: jackknife, or draws of scores that are no function of sums."""
    import numpy as np

    rule = FORMULAS[formula]
    codes, classes = statistics, classes_of(statistics, formula) if rule.labels else []
    if rule.labels:
        known = {label: code for code, label in enumerate(classes)}
        codes = [[known.get(label, -1) for label in row] for row in statistics]
    cells = cells_of(np.asarray(codes, float), groups)
    rows, counts, drawn = cells.rows, cells.counts, None
    if rule.labels:
        named = [[classes[int(code)] if code >= 0 else None for code in row] for row in rows]
        rows = statistics_array(named, formula, classes)
    if rule.by_rows:
        drawn = bootstrap(cells, lambda own: float(rule.weighted(rows, np.asarray(own)[None])[0]), choices)
    elif cells.by_group is not None:
        rows, counts = cells.by_group @ rows, np.ones(cells.units)
    made = corpus_spread(formula, value, rows, counts, drawn, cells.units)
    if isinstance(made, str):
        return Spread(method=f"none: {made}")
    error, low, high, method = made
    name = "jackknife" if drawn is None else "bootstrap"
    return Spread(error or None, name, low, high, method, None if drawn is None else len(drawn))
