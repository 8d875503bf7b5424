"""Bootstrap over items, ranks and ties: the numbers behind a ranking of many checkpoints."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from parts.statistics.intervals import CONFIDENCE, ItemScores

TIE = 1e-6  # scores closer than this, or than this share of them, are equal: single precision is sure of no more
MANY_CHECKPOINTS, FEWER_DRAWS = 300, 2_000  # see enough()
ROWS_AT_ONCE = 32  # checkpoints whose differences to another one are bounded together
CHUNK = 100_000  # resampling weights counted at once: they stay in the processor's cache


def cluster_sums(items: ItemScores) -> tuple[Any, Any]:
    """Sum of the scores, and number of scored items, of each cluster: two (checkpoints, clusters) float32 arrays.

    The clusters come in an order that the scores alone decide, so that draws do not depend on names or files.
    """
    import numpy as np

    known = ~np.isnan(items.scores)
    values = np.where(known, items.scores, 0.0)
    _, group = np.unique(items.clusters, return_inverse=True)
    if len(group) and group.max() + 1 < len(group):
        order = np.argsort(group, kind="stable")
        starts = np.flatnonzero(np.diff(group[order], prepend=-1))
        values = np.add.reduceat(values[:, order], starts, axis=1)
        known = np.add.reduceat(known[:, order].astype(float), starts, axis=1)
    order = np.lexsort((*known, *values))
    return values[:, order].astype(np.float32), known[:, order].astype(np.float32)


def resampling_weights(generator: Any, draws: int, clusters: int) -> Iterator[Any]:
    """How often each cluster is drawn in a bootstrap draw (multinomial): (some draws, clusters) float32 at a time."""
    import numpy as np

    kind = np.uint16 if clusters <= 2**16 else np.uint32
    piece = max(1, CHUNK // clusters)
    offsets = np.arange(piece)[:, None] * clusters
    for begin in range(0, draws, 10 * piece):
        weights = np.empty((min(10 * piece, draws - begin), clusters), np.float32)
        for first in range(0, len(weights), piece):
            part = weights[first : first + piece]
            drawn = generator.integers(0, clusters, part.shape, dtype=kind) + offsets[: len(part)]
            part[:] = np.bincount(drawn.ravel(), minlength=part.size).reshape(part.shape)
        yield weights


def ratios(top: Any, bottom: Any, otherwise: Any) -> Any:
    """top / bottom, and `otherwise` where no scored item was drawn; bottom may be one row for all checkpoints.

    `top` may be what is given back.
    """
    import numpy as np

    if (bottom > 0).all():
        return np.divide(top, bottom, out=top if top.dtype == np.result_type(top, bottom) else None)
    return np.where(bottom > 0, top / np.maximum(bottom, 1), otherwise)


def bootstrap_means(items: ItemScores, draws: int, seed: Sequence[int]) -> Any:
    """Bootstrap draws of the mean of each checkpoint, (checkpoints, draws) float32: clusters of items are drawn, the
    same ones for all checkpoints.

    The draws are stretched about the mean by sqrt(G / (G - 1)), so that their variance is that of the unbiased
    estimate (Hesterberg 2015, "narrowness bias"). Weights times scores is one matrix product.
    """
    import numpy as np

    if items.raters is not None:
        return two_way_means(items, draws, seed)
    sums, counts = cluster_sums(items)
    clusters = sums.shape[1]
    shared = (counts == counts[0]).all()
    counts = counts[:1] if shared else counts
    means = sums.sum(1, keepdims=True, dtype=float) / np.maximum(counts.sum(1, keepdims=True, dtype=float), 1)
    means = means.astype(np.float32)
    drawn = np.empty((len(sums), draws), np.float32)
    begin = 0
    for weights in resampling_weights(np.random.default_rng(seed), draws, clusters):
        end = begin + len(weights)
        drawn[:, begin:end] = ratios(sums @ weights.T, counts @ weights.T, means)
        begin = end
    drawn -= means
    drawn *= np.float32(math.sqrt(clusters / (clusters - 1)))
    drawn += means
    return drawn


def two_way_means(items: ItemScores, draws: int, seed: Sequence[int]) -> Any:
    """The same where items were judged by raters who judged several: both are drawn (pigeonhole bootstrap, Owen 2007).

    Few raters tell little of how far raters differ: the draws are stretched as a Student t interval is wider than a
    normal one.
    """
    import numpy as np
    from scipy import stats

    known = ~np.isnan(items.scores)
    values = np.where(known, items.scores, 0.0)
    order = np.lexsort((*known, *values))
    values, known = values[:, order].astype(np.float32), known[:, order].astype(np.float32)
    ways = [np.unique(way[order], return_inverse=True)[1] for way in (items.clusters, items.raters)]
    sizes = [int(way.max()) + 1 for way in ways]
    means = (values.sum(1, dtype=float) / np.maximum(known.sum(1, dtype=float), 1)).astype(np.float32)[:, None]
    drawn, begin, generator = np.empty((len(values), draws), np.float32), 0, np.random.default_rng(seed)
    both = zip(*(pieces_of(generator, draws, size, values.shape[1]) for size in sizes), strict=True)
    for one, two in both:
        weights, end = one[:, ways[0]] * two[:, ways[1]], begin + len(one)
        drawn[:, begin:end] = ratios(values @ weights.T, known @ weights.T, means)
        begin = end
    few = min(sizes)
    tail = (1 + CONFIDENCE) / 2
    stretch = math.sqrt(few / (few - 1)) * stats.t.ppf(tail, few - 1) / stats.norm.ppf(tail)
    return means + (drawn - means) * np.float32(stretch)


def pieces_of(generator: Any, draws: int, groups: int, items: int) -> Iterator[Any]:
    """How often each group is drawn in each draw: (some draws, groups) float32, few enough for so many items."""
    import numpy as np

    piece = max(1, 10 * CHUNK // items)
    for begin in range(0, draws, piece):
        count = min(piece, draws - begin)
        yield generator.multinomial(groups, np.full(groups, 1 / groups), count).astype(np.float32)


def normal_means(scores: Any, errors: Any, draws: int, seed: Sequence[int]) -> Any:
    """Draws of (checkpoints,) scores with independent normal errors, or of joint ones, by a root of their covariance:
    (checkpoints, draws) float32."""
    import numpy as np

    noise = np.random.default_rng(seed).standard_normal((len(scores), draws), dtype=np.float32)
    noise = with_errors(noise, errors)
    noise += np.float32(scores)[:, None]
    return noise


def half_means(items: ItemScores, splits: int, seed: Sequence[int]) -> Any:
    """Means over a random half of the clusters and over the other; each split both ways: (2, checkpoints, 2 splits)."""
    import numpy as np

    if items.raters is not None:  # a rater's taste must not be in both halves
        items = replace(items, clusters=items.raters)
    sums, counts = cluster_sums(items)
    clusters = sums.shape[1]
    place = np.random.default_rng(seed).random((splits, clusters)).argsort(1)
    sizes = clusters // 2 + np.arange(splits)[:, None] % 2 * (clusters % 2)
    half = (place < sizes).astype(np.float32).T
    means = sums.sum(1, keepdims=True) / np.maximum(counts.sum(1, keepdims=True), 1)
    one = ratios(sums @ half, counts @ half, means)
    other = ratios(sums @ (1 - half), counts @ (1 - half), means)
    return np.stack([np.hstack([one, other]), np.hstack([other, one])])


def with_errors(noise: Any, errors: Any) -> Any:
    """(checkpoints, draws) standard normal noise, which is used up, with these errors, or this root of a covariance."""
    import numpy as np

    errors = np.float32(errors)
    return errors @ noise if errors.ndim > 1 else np.multiply(errors[:, None], noise, out=noise)


def normal_halves(scores: Any, errors: Any, splits: int, seed: Sequence[int]) -> Any:
    """As half_means, for normal errors: score ± error x noise are independent, each as of half of the items.

    Gaussian data thinning (Neufeld, Dharamshi, Gao and Witten 2024).
    """
    import numpy as np

    noise = with_errors(np.random.default_rng(seed).standard_normal((len(scores), splits)), errors)
    one, other = np.float32(scores)[:, None] + noise, np.float32(scores)[:, None] - noise
    return np.stack([np.hstack([one, other]), np.hstack([other, one])])


def trailing_means(values: Any, n: int) -> Any:
    """Means over the last n along the first axis; the first n - 1 places have none: (places - n + 1, ...)."""
    return values if n == 1 else sum(values[i : len(values) - n + 1 + i] for i in range(n)) / n


def draw_interval(draws: Any) -> Any:
    """The 95 % interval of each checkpoint, by the percentiles of its draws: (2, checkpoints)."""
    import numpy as np

    return np.quantile(draws, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], axis=1)


def tie_width(draws: Any) -> float:
    """How close draws of equal scores may be, on whatever scale they are."""
    import numpy as np

    return TIE * max(1.0, float(np.abs(draws).max(initial=0.0)))


def probability_best(draws: Any) -> Any:
    """Share of the draws in which a checkpoint is the best one, equal ones sharing a draw: (checkpoints,)."""
    winners = draws >= draws.max(0) - tie_width(draws)
    return (winners / winners.sum(0)).mean(1)


def enough(draws: Any) -> Any:
    """The draws, (checkpoints, draws), or the first 2,000 of them for more than 300 checkpoints.

    What compares all pairs grows with the square of the checkpoints: 1,000 with 10,000 draws take ten seconds and more.
    2,000 draws know a p-value of 0.05 to 0.005.
    """
    return draws[:, :FEWER_DRAWS] if len(draws) > MANY_CHECKPOINTS else draws


def rank_intervals(draws: Any) -> list[tuple[int, int]]:
    """The 95 % interval of each checkpoint's rank over the draws, 1 for the best; equal ones may have any of theirs."""
    import numpy as np

    tail, draws, tie = (1 - CONFIDENCE) / 2, enough(draws), tie_width(draws)
    first, last = (np.empty(draws.shape, np.uint16) for _ in range(2))
    if len(draws) > MANY_CHECKPOINTS:
        for i, column in enumerate(draws.T):
            ordered = np.sort(column)
            first[:, i] = 1 + len(column) - np.searchsorted(ordered, column + tie, "right")
            last[:, i] = len(column) - np.searchsorted(ordered, column - tie, "left")
    else:
        for i, row in enumerate(draws):
            first[i] = 1 + (draws > row + tie).sum(0, dtype=np.uint16)
            last[i] = (draws >= row - tie).sum(0, dtype=np.uint16)
    low = np.quantile(first, tail, axis=1, method="inverted_cdf")
    high = np.quantile(last, 1 - tail, axis=1, method="inverted_cdf")
    return list(zip(low.astype(int).tolist(), high.astype(int).tolist(), strict=True))


def ranks_within(draws: Any, low: Any, high: Any) -> list[tuple[int, int]]:
    """`rank_intervals` of draws of scores each of which may also lie off by anything between `low` and `high`."""
    import numpy as np

    found = rank_intervals(draws)
    if not low.any() and not high.any():
        return found
    tail, least, most = (1 - CONFIDENCE) / 2, draws + low[:, None], draws + high[:, None]
    for i, (first, last) in enumerate(found):
        above = np.quantile((least > most[i]).sum(0), tail, method="inverted_cdf")
        beside = np.quantile((most >= least[i]).sum(0), 1 - tail, method="inverted_cdf")
        found[i] = min(first, 1 + int(above)), max(last, int(beside))
    return found


def elimination(t: Any) -> list[tuple[int, float, int]]:
    """(which, its t, the one that it is furthest behind) in the order in which a set loses the one that is furthest
    behind any other, to the last; t, which is used up: how far each is behind each, 0 behind itself."""
    import numpy as np

    ahead = t.argmax(1)
    furthest = t[np.arange(len(t)), ahead]
    found = []
    for _ in t:
        worst = int(furthest.argmax())
        found.append((worst, furthest[worst], int(ahead[worst])))
        furthest[worst] = t[:, worst] = -np.inf
        moved = np.flatnonzero((ahead == worst) & (furthest >= 0))  # nearly none: few are behind the last one
        ahead[moved] = t[moved].argmax(1)
        furthest[moved] = t[moved, ahead[moved]]
    return found


def largest_differences(noise: Any, weights: Any) -> Iterator[Any]:
    """For the first two rows of (rows, draws) noise, the first three and so on: the largest |difference| of two of them
    times its weight, of each draw (one array, that grows); weights: (rows, rows), not negative.

    A group of rows is looked at only in the draws in which its ends, with its largest weight, come up to what was found
    before: in nearly all the largest stands early.
    """
    import numpy as np

    largest = np.zeros(noise.shape[1], noise.dtype)
    low, high = (np.empty((len(noise) // ROWS_AT_ONCE + 1, noise.shape[1]), noise.dtype) for _ in range(2))

    def look(rows: slice, draws: Any) -> None:
        apart = noise[rows, draws] - noise[place, draws]
        apart *= weights[place, rows, None]
        largest[draws] = np.maximum(largest[draws], np.maximum(apart.max(0), -apart.min(0)))

    for place in range(1, len(noise)):
        groups = place // ROWS_AT_ONCE
        whole = groups * ROWS_AT_ONCE
        if place == whole:
            last = noise[whole - ROWS_AT_ONCE : whole]
            low[groups - 1], high[groups - 1] = last.min(0), last.max(0)
        else:
            look(slice(whole, place), slice(None))
        reach = np.maximum(high[:groups] - noise[place], noise[place] - low[:groups])
        reach *= weights[place, :whole].reshape(groups, ROWS_AT_ONCE).max(1)[:, None]
        for group, draws in enumerate(reach > largest):
            if draws.any():
                look(slice(group * ROWS_AT_ONCE, (group + 1) * ROWS_AT_ONCE), np.flatnonzero(draws))
        yield largest


def confidence_set(scores: Any, draws: Any, of_few: Callable[[int, int], float | None] = lambda *_: None) -> Any:
    """p-values of the model confidence set, (checkpoints,): those of at least 0.05 cannot be told from the best one.

    of_few: the p-value of two checkpoints (places) of which few items differ; a set that they are furthest apart in has
    no smaller p-value than theirs times its pairs (Bonferroni), however little the draws vary. None: the draws hold.

    Hansen, Lunde and Nason 2011 (Econometrica 79, 453-497), section 3.1.2: T_R, the largest |t| of all pairs, with its
    elimination rule; the null distribution from the draws about the scores. The rule looks at the scores alone, so the
    order of elimination comes first, and the largest |t| of each smaller set is found on the way back. (arch's MCS
    resamples one series of losses; here tasks are averaged.)
    """
    import numpy as np

    tie = tie_width(draws)
    noise = draws - draws.mean(1, keepdims=True)
    covariance = np.cov(noise.astype(float), bias=True).reshape(len(scores), len(scores))
    noise = enough(noise)
    variance = covariance.diagonal()
    spread = np.sqrt(np.maximum(variance + variance[:, None] - 2 * covariance, 0))
    clear = spread > tie
    spread = np.where(clear, spread, 1)
    behind = scores - scores[:, None]
    t = np.where(clear, behind / spread, np.where(behind > tie, np.inf, 0.0))
    *eliminated, (last, *_) = elimination(t)
    order = [last, *(out for out, *_ in reversed(eliminated))]
    weights = np.where(clear, 1 / spread, 0.0)[np.ix_(order, order)].astype(np.float32)
    largest = largest_differences(noise[order], weights)
    reached = [float((own >= seen).mean()) for own, (_, seen, _) in zip(largest, reversed(eliminated), strict=True)]
    p_values, highest = np.ones(len(scores)), 0.0
    tests = zip(range(len(scores), 1, -1), reversed(reached), eliminated, strict=True)
    for size, p_value, (out, _, ahead) in tests:
        highest = max(highest, p_value, min(1.0, math.comb(size, 2) * (of_few(out, ahead) or 0.0)))
        p_values[out] = highest
    return p_values


def simultaneous_differences(scores: Any, draws: Any, baseline: int) -> list[tuple[float, float, float]]:
    """(difference, low, high) of each checkpoint to one of them, paired; all intervals hold together with 95 %.

    The half-width is the 95 % quantile of the largest |t| over the checkpoints, times the standard error (max-t
    bootstrap, Romano and Wolf 2005).
    """
    import numpy as np

    noise = draws - draws.mean(1, keepdims=True)
    noise = noise - noise[baseline]
    spread = noise.std(1)
    clear = spread > tie_width(draws) * 1e-2
    quantile = 0.0
    if clear.any():
        quantile = float(np.quantile(np.abs(noise[clear] / spread[clear, None]).max(0), CONFIDENCE))
    difference = scores - scores[baseline]
    half = np.where(clear, quantile * spread, 0.0)
    return [(float(d), float(d - h), float(d + h)) for d, h in zip(difference, half, strict=True)]


def split_half_score(halves: Any, base: Any = None) -> float:
    """The mean score, on the halves that did not choose, of the checkpoints that the other halves chose.

    base: the halves (2, 1, splits) of another model; then how much better they are than it on the same halves.
    """
    choose, report = halves
    winners = choose >= choose.max(0) - tie_width(choose)
    found = (winners * report).sum(0) / winners.sum(0)
    return float((found if base is None else found - base[1, 0]).mean())


def line_contrast(x: Sequence[float]) -> Any:
    """The weights of scores in the change along their regression line on x, from its first to its last place."""
    import numpy as np

    places = np.asarray(x, float)
    return (places - places.mean()) / ((places - places.mean()) ** 2).sum() * (places[-1] - places[0])


def line_change(x: Sequence[float], scores: Any, draws: Any) -> tuple[float, float, float]:
    """(change, low, high) along the regression line of the scores on x, from its first to its last place."""
    import numpy as np

    contrast = line_contrast(x)
    low, high = np.quantile(contrast @ draws, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(contrast @ scores), float(low), float(high)


def off_the_line(x: Sequence[float], scores: Any, draws: Any) -> int | None:
    """The place that lies furthest off the regression line of the scores on x, where the draws do not explain it (the
    largest |t| of all places, 95 %); None where the line fits."""
    import numpy as np

    places = np.asarray(x, float)
    design = np.stack([np.ones_like(places), places - places.mean()])
    rest = np.eye(len(places)) - design.T @ np.linalg.inv(design @ design.T) @ design
    noise = rest @ (draws - draws.mean(1, keepdims=True))
    spread = noise.std(1)
    clear = spread > tie_width(draws)
    if not clear.any():
        return None
    size = np.where(clear, np.abs(rest @ scores) / np.where(clear, spread, 1.0), 0.0)
    largest = np.quantile((np.abs(noise[clear]) / spread[clear, None]).max(0), CONFIDENCE)
    return int(size.argmax()) if size.max() > largest else None
