"""How sure a ranking is: intervals, ties, the corrected winner, the trend."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from parts.frame import ScriptError, listing, plural
from parts.ranking.corpus import corpus_interval, corpus_scores_drawn, corpus_scores_halved
from parts.ranking.few import FewItems
from parts.ranking.rank import Options, choose_best
from parts.ranking.scores import category_members
from parts.ranking.vocabulary import Corrected, Ranked, Ranking, Standing, Statistics, Trend, candidates, could_win
from parts.records.shared import VoteGap, gap_in_votes
from parts.statistics.bounded import (
    BoundedMean,
    cluster_counts,
    critical_value,
    mean_from_error,
    mean_of,
    mean_of_means,
    method_of_mean,
    score_interval,
    shared_text,
)
from parts.statistics.few import FEW_ITEMS
from parts.statistics.intervals import (
    CONFIDENCE,
    Estimate,
    Interval,
    ItemScores,
)
from parts.statistics.resampling import (
    bootstrap_means,
    confidence_set,
    draw_interval,
    half_means,
    line_change,
    line_contrast,
    normal_halves,
    normal_means,
    off_the_line,
    probability_best,
    ranks_within,
    simultaneous_differences,
    split_half_score,
    trailing_means,
)
from parts.training_runs import run_folders
from parts.vocabulary import MetricMapping

SPLITS = 200  # random halves of the items, each used both ways


@dataclass(frozen=True)
class TaskData:
    """One task over the compared checkpoints: its items, or its scores with standard errors where there are none."""

    name: str
    items: ItemScores | None
    scores: tuple[float, ...]
    errors: tuple[float, ...] | None
    estimates: tuple[Estimate, ...]
    one_group: bool = False  # whether there are items, which cannot be resampled: all of them belong together

    @property
    def known(self) -> bool:
        """Whether there is anything to tell how far the scores could be off."""
        return self.items is not None or self.errors is not None

    def draws(self, draws: int, seed: int) -> Any:
        """Draws of the scores, (checkpoints, draws); a task's draws do not depend on what other tasks there are."""
        key = [seed, zlib.crc32(self.name.encode())]
        if self.items is not None and self.items.formula:
            return corpus_scores_drawn(self.items, draws, key)
        if self.items is not None:
            return bootstrap_means(self.items, draws, key)
        return normal_means(self.scores, self.error_root, draws, key)

    def halves(self, splits: int, seed: int) -> Any:
        """The scores on halves of the items, (2, checkpoints, 2 splits)."""
        key = [seed, zlib.crc32(self.name.encode()), 1]
        if self.items is not None and self.items.formula:
            return corpus_scores_halved(self.items, splits, key)
        if self.items is not None:
            return half_means(self.items, splits, key)
        return normal_halves(self.scores, self.error_root, splits, key)

    @cached_property
    def gaps(self) -> dict[tuple[int, int], VoteGap]:
        """What one file of votes tells of each two scores; see gap_in_votes."""
        votes = [] if self.items is not None else [(i, e.votes) for i, e in enumerate(self.estimates) if e.votes]
        pairs = (((i, one), (j, two)) for i, one in votes for j, two in votes if j < i)
        return {(i, j): gap for (i, one), (j, two) in pairs if (gap := gap_in_votes(one, two)) is not None}

    @property
    def freedom(self) -> float:
        """Degrees of freedom of the errors: few raters or prompts tell little of how far they differ."""
        return min((gap.freedom for gap in self.gaps.values()), default=math.inf)

    @cached_property
    def error_root(self) -> Any:
        """The standard errors; of scores from one file of votes a root of their covariance, as much wider as Student's
        t is."""
        import numpy as np

        errors, tail = np.array(self.errors), (1 - CONFIDENCE) / 2
        if not self.gaps:
            return errors
        covariance = np.diag(errors**2)
        for (i, j), gap in self.gaps.items():
            covariance[i, j] = covariance[j, i] = (errors[i] ** 2 + errors[j] ** 2 - gap.error**2) / 2
        values, vectors = np.linalg.eigh(covariance)
        stretch = float(critical_value(tail, self.freedom) / critical_value(tail))
        return stretch * vectors * np.sqrt(np.maximum(values, 0))

    def own_scores(self, place: int, window: int = 1) -> tuple[Any, list[Any]]:
        """(scores, what they share: clusters, raters) of the items that a checkpoint, and the `window` - 1 before it,
        were scored on."""
        import numpy as np

        scores = self.items.scores[place + 1 - window : place + 1].mean(0)
        known = ~np.isnan(scores)
        return scores[known], [way[known] for way in self.ways]

    @property
    def ways(self) -> list[Any]:
        """What items may share: clusters, raters."""
        return [way for way in (self.items.clusters, self.items.raters) if way is not None]

    @cached_property
    def complete(self) -> bool:
        """Whether every checkpoint has a score of every item."""
        import numpy as np

        return self.items is not None and not self.items.formula and not np.isnan(self.items.scores).any()

    @cached_property
    def means(self) -> list[BoundedMean | None]:
        """How far off each checkpoint's score may be; see `mean`. Those of complete items are found at once."""
        import numpy as np

        if not self.complete:
            return [self.mean(place, 1) for place in range(len(self.scores))]
        scores, found = self.items.scores, [None] * len(self.scores)
        usable = np.array([e.averages for e in self.estimates]) & (scores.min(1) >= 0) & (scores.max(1) <= 1)
        counted = ((scores == 0) | (scores == 1)).all(1)
        for places in (np.flatnonzero(usable & counted), np.flatnonzero(usable & ~counted)):
            all_of = mean_of(scores[places], self.ways) if len(places) else None
            for i, place in enumerate(places):
                found[place] = BoundedMean(all_of.value[i], all_of.factor[i], all_of.widest, all_of.freedom)
        return found

    @cached_property
    def ends(self) -> dict[int, tuple[float, float]]:
        """The 95 % interval of each score in `means`, by the checkpoint's place."""
        import numpy as np

        known = {place: mean for place, mean in enumerate(self.means) if mean is not None}
        fields = [(mean.value, mean.factor, mean.widest, mean.freedom) for mean in known.values()]
        ends = BoundedMean(*np.array(fields, float).reshape(-1, 4).T).interval()
        return dict(zip(known, zip(*(end.tolist() for end in ends), strict=True), strict=True))

    @cached_property
    def counts(self) -> list[int]:
        """How many clusters all items are in, for each way of sharing."""
        return cluster_counts(self.ways, len(self.items.clusters))

    def mean(self, place: int, window: int = 1) -> BoundedMean | None:
        """How far off a checkpoint's score may be (the mean of the last `window` ones); None for scores without a range
        of 0 to 1, and where nothing tells."""
        own = self.estimates[place + 1 - window : place + 1]
        if not all(estimate.averages for estimate in own) or (self.items is not None and self.items.formula):
            return None
        if self.items is not None:
            scores, ways = self.own_scores(place, window)
            return mean_of(scores, ways) if scores.min() >= 0 and scores.max() <= 1 else None
        found = [
            mean_from_error(estimate.value, estimate.standard_error, estimate.n, self.freedom)
            for estimate in own
            if estimate.standard_error is not None and 0 <= estimate.value <= 1
        ]
        return (
            mean_of_means([(1 / window, mean) for mean in found])
            if len(found) == window and None not in found
            else None
        )


def several(items: ItemScores) -> bool:
    """Whether every checkpoint has at least two clusters of items, and raters, without which no spread is known."""
    import numpy as np

    ways = [way for way in (items.clusters, items.raters) if way is not None]
    return all(len(np.unique(way[row])) > 1 for row in ~np.isnan(items.scores) for way in ways)


def task_data(ranked: Sequence[Ranked], items: Mapping[str, ItemScores]) -> dict[str, list[TaskData]]:
    """Benchmark -> its tasks; the rows of `items` are the checkpoints of `ranked`."""
    data: dict[str, list[TaskData]] = {}
    for key, tasks in ranked[0].tasks.items():
        data[key] = []
        for task in sorted(tasks):
            estimates = [r.tasks[key][task] for r in ranked]
            own = items.get(task)
            one_group = own is not None and not several(own)
            errors = tuple(e.standard_error for e in estimates)
            known, scores = None if None in errors else errors, tuple(e.value for e in estimates)
            data[key].append(TaskData(task, None if one_group else own, scores, known, tuple(estimates), one_group))
    return data


def named_means(
    data: Mapping[str, Sequence[TaskData]], members: Mapping[str, Sequence[str]], make: Callable[[TaskData], Any]
) -> Iterator[tuple[str, Any]]:
    """(name, array) of each benchmark and then its category, one after the other, from an array for each task."""
    for category, keys in members.items():
        of_category: Any = None
        for key in keys:
            mean: Any = None
            for task in data[key]:
                mean = added(mean, make(task), len(data[key]))
            if keys != [category]:
                yield key, mean
            of_category = added(of_category, mean, len(keys))
        yield category, of_category


def added(total: Any, array: Any, count: int) -> Any:
    """The total, None at first, and one of `count` arrays of whose mean it is; large arrays are not copied for a 1."""
    share = array if count == 1 else array / count
    return share if total is None else total + share


def overall_array(named: Iterable[tuple[str, Any]], weights: Mapping[str, float], options: Options) -> Any:
    """eval_accuracy of every place of the arrays; with --score-function, what it says for each."""
    import numpy as np

    if options.score_function is None:
        total: Any = 0.0
        for name, array in named:
            if name in weights:  # a category: what made its array is done with it
                array *= weights[name]
                total = np.add(total, array, out=array if array.dtype == np.result_type(total, array) else None)
        return total
    arrays = dict(named)
    places = next(iter(arrays.values())).shape
    columns = zip(*(array.ravel().tolist() for array in arrays.values()), strict=True)
    values = (options.score_function(dict(zip(arrays, row, strict=True))) for row in columns)
    return np.fromiter((float(value) for value in values), float).reshape(places)


def category_weights(members: Mapping[str, Sequence[str]], weights: Mapping[str, float] | None) -> dict[str, float]:
    """Category -> its share of eval_accuracy; they add up to 1."""
    own = {key: 1.0 if weights is None else weights[key] for key in members}
    total = math.fsum(own.values())
    return {key: weight / total for key, weight in own.items()}


def task_weights(tasks: Iterable[str], vocabulary: MetricMapping, options: Options, ranked: Ranked) -> dict[str, float]:
    """Task -> its weight in eval_accuracy; they add up to 1, and tasks that do not enter are absent."""
    members = category_members(ranked.scores, vocabulary)
    shares = category_weights(members, options.weights)
    weights = {}
    for category, keys in members.items():
        for key in keys:
            own = ranked.tasks[key]
            for task in own:
                weights[task] = shares[category] / len(keys) * ranked.part_weights.get(task, 1 / len(own))
    return {task: weights[task] for task in tasks if task in weights}


def own_interval(task: TaskData, place: int) -> Interval | None:
    """The interval of one task's score: of its items, else of its standard error."""
    mean, estimate = task.means[place], task.estimates[place]
    if task.items is not None and task.items.formula:
        return corpus_interval(task.items, place)
    if mean is not None:
        words = ", from the standard error"
        if task.items is not None:
            scores, ways = (task.items.scores[place], ()) if task.complete else task.own_scores(place)
            counts = task.counts if task.complete else cluster_counts(ways, len(scores))
            if min(counts) < 2:
                return None
            words = shared_text(counts, len(scores))
        return Interval(*task.ends[place], method_of_mean(mean) + words)
    if task.items is not None:
        scores, ways = task.own_scores(place)
        found = score_interval(scores, ways, None, None)
        return None if found is None else Interval(*found)
    if not estimate.standard_error:
        return None
    half = float(critical_value((1 - CONFIDENCE) / 2, task.freedom)) * estimate.standard_error
    name = "normal" if math.isinf(task.freedom) else "Student t"
    return Interval(estimate.value - half, estimate.value + half, f"{name}, from the standard error")


def interval_of(mean: BoundedMean, words: str = "") -> Interval:
    """The 95 % interval of a score between 0 and 1."""
    low, high = mean.interval()
    return Interval(float(low), float(high), method_of_mean(mean) + words)


def weighted(parts: Sequence[tuple[float, BoundedMean | None]]) -> BoundedMean | None:
    """The weighted mean of scores, or None where one of them is not known."""
    return None if not parts or any(mean is None for _, mean in parts) else mean_of_means(parts)


def composed_means(
    data: Mapping[str, Sequence[TaskData]], members: Mapping[str, Sequence[str]], place: int, window: int = 1
) -> dict[str, BoundedMean | None]:
    """How far off the benchmarks and the categories of a checkpoint may be (means over the last `window` ones)."""
    found = {
        key: weighted(
            [(1 / len(tasks), task.means[place] if window == 1 else task.mean(place, window)) for task in tasks]
        )
        for key, tasks in data.items()
    }
    return found | {
        name: weighted([(1 / len(keys), found.get(key)) for key in keys])
        for name, keys in members.items()
        if list(keys) != [name]
    }


def with_intervals(
    r: Ranked, place: int, data: Mapping[str, Sequence[TaskData]], members: Mapping[str, Sequence[str]]
) -> Ranked:
    """A checkpoint with an interval for each benchmark and category."""
    means = composed_means(data, members, place)

    def interval(name: str) -> Interval | None:
        tasks = data[members[name][0]] if len(members.get(name, ())) == 1 else data.get(name, ())
        if len(tasks) == 1:
            return own_interval(tasks[0], place)
        return interval_of(means[name], " of the parts") if means.get(name) is not None else None

    scores = {key: replace(score, interval=interval(key) if key in data else None) for key, score in r.scores.items()}
    categories = {name: replace(score, interval=interval(name)) for name, score in r.categories.items()}
    return replace(r, scores=scores, categories=categories)


def unknown_tasks(data: Mapping[str, Sequence[TaskData]], ranked: Sequence[Ranked]) -> list[str]:
    """The tasks that nothing tells the uncertainty of, with the checkpoints that lack it."""
    lines = []
    for key, tasks in data.items():
        for task in tasks:
            if not task.known:
                without = [r.checkpoint.name for r in ranked if r.tasks[key][task.name].standard_error is None]
                lines.append(f"{task.name} of {listing(without, 3)}")
    return lines


def with_statistics(
    ranking: Ranking, items: Mapping[str, ItemScores], vocabulary: MetricMapping, options: Options
) -> Ranking:
    """The ranking with intervals, and with how sure it is as far as the items or the standard errors tell.

    The rows of `items` are the compared checkpoints, `ranking.ranked`, and below them the base model if there is one.
    """
    import numpy as np

    ranked = [*ranking.ranked, *([ranking.base] if ranking.base else [])]
    data = task_data(ranked, items)
    members = category_members(ranked[0].scores, vocabulary)
    counted = {key for keys in members.values() for key in keys}
    if options.score_function is not None:
        members |= {key: [key] for key in data if key not in counted}
        counted |= data.keys()
    unknown = unknown_tasks({key: data[key] for key in data if key in counted}, ranked)
    if unknown:
        reason = f"neither samples nor a standard error: {listing(unknown)}"
        if options.baseline_step is not None:
            raise ScriptError(f"--baseline-step {options.baseline_step}: no statistics for a difference: {reason}")
        if options.baseline_model is not None:
            raise ScriptError(f"--baseline-model {options.baseline_model}: no statistics for a difference: {reason}")
        done = [with_intervals(r, place, data, members) for place, r in enumerate(ranked)]
        return replace(ranking, ranked=tuple(done), no_statistics=reason)
    weights = {} if options.score_function else category_weights(members, options.weights)
    draws = overall_array(
        named_means(data, members, lambda task: task.draws(options.draws, options.seed)), weights, options
    )
    halves = overall_array(named_means(data, members, lambda task: task.halves(SPLITS, options.seed)), weights, options)
    done = []
    for place, r in enumerate(ranked):
        whole = overall_interval(r, place, data, members, weights, draws, 1)
        done.append(
            replace(with_intervals(r, place, data, members), interval=whole, distribution=distribution(r, place, data))
        )
    tasks = [task for key in data if key in counted for task in data[key]]
    base = done.pop() if ranking.base else None
    intervals = [r.interval for r in done]
    if options.smooth > 1:
        smoothed = trailing_means(draws, options.smooth)
        intervals = [
            overall_interval(r, place, data, members, weights, smoothed, options.smooth)
            for place, r in enumerate(done[options.smooth - 1 :], options.smooth - 1)
        ]
    sign = done[0].sign
    shares = {task.name: 1 / len(tasks) for task in tasks}
    if not options.score_function:
        shares |= task_weights([task.name for task in tasks], vocabulary, options, ranked[0])
    few = few_items(ranked, data, members, weights, tasks, shares, options.smooth)
    statistics = standings(done, sign * np.asarray(draws), sign * np.asarray(halves), intervals, options, few, base)
    statistics = statistics if sign > 0 else as_measured(statistics)
    return replace(ranking, ranked=tuple(done), statistics=statistics, base=base)


def few_items(
    ranked: Sequence[Ranked],
    data: Mapping[str, Sequence[TaskData]],
    members: Mapping[str, Sequence[str]],
    weights: Mapping[str, float],
    tasks: Sequence[TaskData],
    shares: Mapping[str, float],
    window: int,
) -> FewItems:
    """What is known of pairs of checkpoints where few items differ: those that can be chosen, then the base model."""
    places = range(window - 1, len(ranked))
    parts = [(name, weight) for name, weight in weights.items() if weight]
    means = []
    for place in places if any(task.items is None or task.items.formula for task in tasks) else ():
        own = composed_means(data, members, place, window)
        means.append(weighted([(weight, own.get(name)) for name, weight in parts]))
    rows = [slice(place + 1 - window, place + 1) for place in places]
    return FewItems(tasks, shares, rows, means or [None] * len(rows))


def overall_interval(
    r: Ranked,
    place: int,
    data: Mapping[str, Sequence[TaskData]],
    members: Mapping[str, Sequence[str]],
    weights: Mapping[str, float],
    draws: Any,
    window: int,
) -> Interval:
    """The interval of a checkpoint's eval_accuracy (its mean over the last `window` ones): from that of its parts, or
    with --score-function from the draws, whose first row belongs to the place `window` - 1."""
    parts = [(name, weight) for name, weight in weights.items() if weight]
    if len(parts) == 1 and window == 1:  # eval_accuracy is this one score
        name = parts[0][0]
        tasks = data[members[name][0]]
        if len(members[name]) == 1 and len(tasks) == 1:
            return own_interval(tasks[0], place)
    means = composed_means(data, members, place, window)
    mean = weighted([(weight, means.get(name)) for name, weight in parts])
    if mean is not None:
        return interval_of(mean, " of the parts")
    low, high = draw_interval(draws[place + 1 - window : place + 2 - window])[:, 0]
    return Interval(float(low), float(high), "percentiles of the draws")


def standings(
    ranked: Sequence[Ranked],
    draws: Any,
    halves: Any,
    intervals: Sequence[Interval],
    options: Options,
    few: FewItems,
    base: Ranked | None = None,
) -> Statistics:
    """How sure the places are; draws (checkpoints, draws) and halves (2, checkpoints, splits) of eval_accuracy, turned
    round where less is better, as all numbers in the result then are.

    The rows below those of `ranked` are the base model's.
    """
    import numpy as np

    count = len(ranked)
    of_base, base_halves = draws[count:], halves[:, count:]
    raw, draws, halves = draws[:count], draws[:count], halves[:, :count]
    pool = candidates(ranked)
    scores = np.array([r.ranks_by for r in pool])
    draws = trailing_means(draws, options.smooth)
    halves = trailing_means(halves.swapaxes(0, 1), options.smooth).swapaxes(0, 1)
    p_values = confidence_set(scores, draws, few.p_value)
    best = choose_best(ranked)[0]
    top, rivals = next(i for i, r in enumerate(pool) if r is best), could_win(best, ranked)
    by_chance, off = p_values >= 1 - CONFIDENCE, np.array([r.ends for r in pool]).T - scores
    in_set = [r in rivals for r in pool] | by_chance | leads_within(draws, off, top)
    open_chance = (in_set & ~by_chance).any() or bool(rivals) or len(pool) == 1
    ranks = ranks_of_set(ranks_within(draws, *off), in_set)
    p_best = steadied_shares(probability_best(draws), [few.p_value(i, int(scores.argmax())) for i in range(len(pool))])
    baseline = baseline_place(pool, options.baseline_step)
    differences = baseline_differences(few, pool, draws, baseline, base, of_base)
    own = {
        r.checkpoint.name: Standing(
            *(float(scores[i]), intervals[i], None if open_chance else float(p_best[i]), ranks[i], float(p_values[i])),
            differences[i],
        )
        for i, r in enumerate(pool)
    }
    tied = tuple(name for name, inside in zip(own, in_set, strict=True) if inside)
    trend = None if few.count < FEW_ITEMS else last_trend(ranked, raw, tied, best.checkpoint.name)
    return Statistics(
        source_of(few),
        method_of(few, options),
        options.draws,
        options.seed,
        sum(task.items.scores.shape[1] for task in few.by_items),
        tuple(task.name for task in few.tasks if task.items is None),
        own,
        tied,
        corrected_score(best, draws[top], halves, few, base_halves if base else None, differences[top]),
        trend and trend_within(trend, ranked),
        base.checkpoint.name if base is not None else None if baseline is None else pool[baseline].checkpoint.name,
        None if base is None else base.ranks_by,
    )


def leads_within(draws: Any, off: Any, top: int) -> Any:
    """Which may lead the best one, at the place `top`, as far as chance and lost attempts may go together; `off`: how
    far lost attempts may move each score down and up."""
    import numpy as np

    if not off.any():  # nothing was lost: chance alone is for the confidence set to judge
        return np.zeros(len(draws), bool)
    return np.quantile(draws - draws[top], (1 + CONFIDENCE) / 2, axis=1) + off[1] - off[0][top] >= 0


def corrected_score(
    best: Ranked,
    draws: Any,
    halves: Any,
    few: FewItems,
    base_halves: Any,
    gain: tuple[float, float, float] | None,
) -> Corrected:
    """The best one's score without the luck of having been picked; `draws` are its own, `gain` is its difference to
    the base model where `base_halves` are known."""
    lost = best.ends[0] != best.ends[1]
    return Corrected(
        best.checkpoint.name,
        best.ranks_by,
        split_half_score(halves),
        float(draws.std()),
        halves_text(few) + ("; its lost attempts taken to be like the others" if lost else ""),
        None if base_halves is None or gain is None else (split_half_score(halves, base_halves), *gain[1:]),
    )


def baseline_differences(
    few: FewItems,
    pool: Sequence[Ranked],
    draws: Any,
    baseline: int | None,
    base: Ranked | None,
    of_base: Any,
) -> list[tuple[float, float, float] | None]:
    """The difference of each checkpoint to the one at the place `baseline`, or to the base model; None without both."""
    import numpy as np

    scores = np.array([r.ranks_by for r in pool])
    if base is not None:
        scores, draws, baseline = np.append(scores, base.ranks_by), np.vstack([draws, of_base]), len(pool)
    if baseline is None:
        return [None] * len(pool)
    found = simultaneous_differences(scores, draws, baseline)[: len(pool)]
    found = [widened(few, i, baseline, pool, one) for i, one in enumerate(found)]
    other = pool[baseline] if base is None else base
    return [
        one if i == baseline else within_ends(one, r, other) for i, (one, r) in enumerate(zip(found, pool, strict=True))
    ]


def within_ends(found: tuple[float, float, float], own: Ranked, other: Ranked) -> tuple[float, float, float] | None:
    """A difference with an interval that holds whatever the lost attempts of the two would have got; None without
    bounds."""
    (low, high), (base_low, base_high) = ([end - r.ranks_by for end in r.ends] for r in (own, other))
    value, *ends = found[0], found[1] + low - base_high, found[2] + high - base_low
    return (value, *ends) if all(map(math.isfinite, ends)) else None


def ranks_of_set(ranks: Sequence[tuple[int, int]], in_set: Any) -> list[tuple[int, int]]:
    """Ranges of ranks that say what the set of those that cannot be told from the best one says: who may be first."""
    several = int(in_set.sum()) > 1
    return [
        (1, max(high, 2) if several else 1) if inside else (max(low, 2), max(high, 2))
        for (low, high), inside in zip(ranks, in_set, strict=True)
    ]


def steadied_shares(shares: Any, p_values: Sequence[float | None]) -> Any:
    """The chances to be best, where draws of few items know nothing of those that were not met: against the best one
    nobody has less than p to 2 - p, of the two-sided p-value of the two."""
    import numpy as np

    odds = np.array([0.0 if p is None else p / (2 - p) for p in p_values])
    found = np.maximum(shares, shares.max() * odds)
    return found / found.sum()


def widened(
    few: FewItems, place: int, baseline: int, pool: Sequence[Ranked], found: tuple[float, float, float]
) -> tuple[float, float, float]:
    """A difference with an interval that holds where few items differ: Bonferroni over all that are compared."""
    if place == baseline or not few.few(place, baseline) or (evidence := few.evidence(place, baseline)) is None:
        return found
    value, low, high = found
    ends = [float(end) for end in evidence.interval((1 - CONFIDENCE) / max(len(pool) - 1, 1))]
    ends = ends if pool[0].sign > 0 else [-ends[1], -ends[0]]
    return value, min(low, ends[0]), max(high, ends[1])


def as_measured(statistics: Statistics) -> Statistics:
    """Statistics of scores that were turned round, turned back: less is better in them."""

    def back(ends: tuple[float, float, float] | None) -> tuple[float, float, float] | None:
        return None if ends is None else (-ends[0], -ends[2], -ends[1])

    own = {
        name: replace(standing, score=-standing.score, difference=back(standing.difference))
        for name, standing in statistics.standings.items()
    }
    found, trend = statistics.corrected, statistics.trend
    corrected = replace(found, raw=-found.raw, value=-found.value, gain=back(found.gain))
    if trend is not None:
        change = replace(trend.change, low=-trend.change.high, high=-trend.change.low)
        trend = replace(trend, change=change, estimate=-trend.estimate)
    base = None if statistics.baseline_score is None else -statistics.baseline_score
    return replace(statistics, standings=own, corrected=corrected, trend=trend, baseline_score=base)


def source_of(few: FewItems) -> str:
    """Where the uncertainty comes from."""
    if not few.by_items:
        return "standard errors"
    return "items" if len(few.by_items) == len(few.tasks) else "items and standard errors"


def halves_text(few: FewItems) -> str:
    """How the score of the one that was picked was corrected, in words."""
    if len(few.by_items) == len(few.tasks):
        return "split halves: chosen on one half of the items, reported on the other"
    return "split halves, by normal errors where there are no items (data thinning)"


def method_of(few: FewItems, options: Options) -> str:
    """How the uncertainty was found, in words."""
    parts, tasks, by_items = [], few.tasks, few.by_items
    if by_items:
        items = sum(task.items.scores.shape[1] for task in by_items)
        groups = sum(len(set(task.items.clusters.tolist())) for task in by_items)
        clusters = f" in {groups:,} clusters" if groups < items else ""
        raters = {int(task.items.raters.max()) + 1 for task in by_items if task.items.raters is not None}
        clusters += f" and {listing(map(str, sorted(raters)))} raters" if raters else ""
        formulas = {task.items.formula for task in by_items} - {""}
        clusters += f", by their statistics ({listing(sorted(formulas))})," if formulas else ""
        parts.append(f"paired bootstrap over {items:,} items{clusters} of {plural(len(by_items), 'task')}")
    if len(by_items) < len(tasks):
        names = listing(
            f"{task.name}{' (its items all have one prompt, or one cluster)' if task.one_group else ''}"
            for task in tasks
            if task.items is None
        )
        joint = any(task.gaps for task in tasks)
        how = "joint normal errors, by the same votes," if joint else "independent normal errors, not paired,"
        parts.append(f"{how} from the records' standard errors for {names}")
    parts.append(f"{options.draws:,} draws, seed {options.seed}")
    parts += [f"too few items ({few.count}) to tell anything apart"] if few.count < FEW_ITEMS else []
    return "; ".join(parts)


def baseline_place(pool: Sequence[Ranked], step: int | None) -> int | None:
    """Where the baseline stands; ScriptError when it is not compared."""
    if step is None:
        return None
    steps = [r.checkpoint.step for r in pool]
    if step not in steps:
        raise ScriptError(f"--baseline-step {step}: compared are the steps {listing(map(str, steps), 20)}")
    return steps.index(step)


def last_trend(ranked: Sequence[Ranked], draws: Any, tied: Sequence[str], best: str) -> Trend | None:
    """What the last third of the checkpoints (at least three) does; None when there are fewer, steps are missing,
    or they are of several runs.

    A line tells nothing where the last checkpoint is shown to be worse than the best one, or where one lies off it by
    more than the items explain: then that is what is said.
    """
    import numpy as np

    if len(run_folders(r.checkpoint for r in ranked)) > 1:
        return None
    last = max(3, math.ceil(len(ranked) / 3))
    tail, names = ranked[-last:], [r.checkpoint.name for r in ranked]
    places = [r.checkpoint.step if tail[0].checkpoint.step is not None else r.checkpoint.epoch for r in tail]
    if len(tail) < last or None in places:
        return None
    scores, noise = np.array([r.sign * r.eval_accuracy for r in tail]), draws[-last:]
    estimate, low, high = line_change(places, scores, noise)
    off = off_the_line(places, scores, noise)
    flat = next(i for i in range(len(names)) if set(names[i:]) <= {*tied, best} or i == len(names) - 1)
    before = last < len(names) and names[-last - 1] in (*tied, best)  # then a low first one is no growth
    alone = off is not None and (off > 0 or before) and last > 3 and not any(r.reach for r in tail)
    if alone:
        kept = [i for i in range(last) if i != off]
        alone = off_the_line([places[i] for i in kept], scores[kept], noise[kept]) is None
    if names[-1] not in (*tied, best):
        verdict = f"best at {best}, since then {'down' if tail[0].sign > 0 else 'worse'} (shown)"
        return Trend(verdict, *change_between(ranked, draws, names.index(best)), (best, names[-1]), best)
    if alone:
        verdict, where = f"one record off the line: {tail[off].checkpoint.name}", tail[off].checkpoint.name
    elif low > 0 and (off is None or flat == len(names) - 1):
        verdict, where = "still improving", None
    elif high < 0 and off is None:
        verdict, where = "declining", None
    else:
        verdict, where = f"flat since {names[flat]}", names[flat]
        if (low > 0 or high < 0) and flat > len(names) - last:  # what changed was before
            verdict = f"{'improved' if low > 0 else 'worse'} until {names[flat]}, flat since then"
        elif low > 0 or high < 0:
            verdict = f"not on a line; none since {names[flat]} can be told apart from the best"
    change = Interval(low, high, "regression line through the last checkpoints, percentiles of the draws")
    return Trend(verdict, change, estimate, tuple(r.checkpoint.name for r in tail), where)


def trend_within(trend: Trend, ranked: Sequence[Ranked]) -> Trend | None:
    """A trend with an interval that holds whatever the lost attempts would have got, and without a verdict that they
    could turn; None without bounds."""
    own = [r for r in ranked if r.checkpoint.name in trend.names]
    if not any(r.reach for r in own):
        return trend
    places = [r.checkpoint.epoch if own[0].checkpoint.step is None else r.checkpoint.step for r in own]
    weights = line_contrast(places if None not in places else range(len(own))).tolist()
    off = [[r.sign * (end - r.eval_accuracy) for end in r.reach or (r.eval_accuracy,) * 2] for r in own]
    moved = [sorted((w * low, w * high)) for w, (low, high) in zip(weights, off, strict=True) if w]
    low, high = (
        old + math.fsum(one)
        for old, one in zip((trend.change.low, trend.change.high), zip(*moved, strict=True), strict=True)
    )
    if not math.isfinite(low) or not math.isfinite(high):
        return None
    change = Interval(low, high, f"{trend.change.method}; with the bounds of lost attempts")
    if (low > 0, high < 0) != (trend.change.low > 0, trend.change.high < 0):
        return replace(trend, change=change, verdict="not known: lost attempts could turn it", checkpoint=None)
    return replace(trend, change=change)


def change_between(ranked: Sequence[Ranked], draws: Any, first: int) -> tuple[Interval, float]:
    """(interval, estimate) of the change from one of the checkpoints to the last."""
    import numpy as np

    low, high = np.percentile(draws[-1] - draws[first], [2.5, 97.5])
    estimate = ranked[-1].sign * (ranked[-1].eval_accuracy - ranked[first].eval_accuracy)
    return Interval(float(low), float(high), "difference of the two, percentiles of the draws"), estimate


def distribution(r: Ranked, place: int, data: Mapping[str, Sequence[TaskData]]) -> dict[str, Any]:
    """How a checkpoint's scores spread: those of benchmarks (quartiles, ten bins), those of items (0, between, 1)."""
    import numpy as np

    scores = [score.value for score in r.scores.values() if score.averages]
    spread: dict[str, Any] = {}
    if scores:
        quartiles = np.quantile(scores, [0, 0.25, 0.5, 0.75, 1]).tolist()
        spread["benchmarks"] = dict(zip(("min", "q25", "median", "q75", "max"), quartiles, strict=True))
        spread["histogram"] = np.histogram(scores, 10, (0, 1))[0].tolist()
    keys = [key for key in data if r.scores[key].averages]
    parts = [task.items.scores[place] for key in keys for task in data[key] if task.items is not None]
    if parts:
        own = np.concatenate(parts)
        own = own[~np.isnan(own)]
        zero, one = int((own == 0).sum()), int((own == 1).sum())
        spread["items"] = {"n": len(own), "zero": zero, "between": len(own) - zero - one, "one": one}
    return spread
