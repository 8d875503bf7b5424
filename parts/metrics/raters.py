"""What is odd about raters and votes: constant, reversed, narrow or hasty raters; a bias for what is shown first.

Takes items of ratings or votes; gives lines for people and counts for the record. Nobody is left out for it: that is
asked for by name (--without-raters), and recorded.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from statistics import median
from typing import Any

from parts.frame import ScriptError, listing, number
from parts.metrics.vocabulary import Choices, Item, Metric
from parts.statistics.intervals import TWO_SIDED_Z

FEW_RATINGS = 8  # of a rater, below which nothing is said of him
REVERSED = 0.01  # one-sided level of a correlation with the others below 0
HASTY = 1 / 3  # of the usual time for a rating
TIME_FIELDS = ("seconds", "time", "duration")


def without_raters(items: Sequence[Item], choices: Choices) -> list[Item]:
    """The ratings of all raters but those of --without-raters; ScriptError for one who is not there."""
    names = {item.value.rater for item in items} - {None}
    unknown = sorted(set(choices.without_raters) - names)
    if unknown:
        raise ScriptError(
            f"--without-raters: nobody is called {listing(unknown)}; there are {listing(sorted(names), 20)}"
        )
    kept = [item for item in items if item.value.rater not in choices.without_raters]
    if not kept:
        raise ScriptError("--without-raters: nobody is left")
    return kept


def odd_rater_lines(items: Sequence[Item], low: float, high: float) -> list[str]:
    """What is odd about each rater of numbers between low and high, one line for each thing."""
    by_rater: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        if item.value.rater is not None and not isinstance(item.value.value, str):
            by_rater[item.value.rater].append(item)
    every = [item.value.value for own in by_rater.values() for item in own]
    if len(by_rater) < 2 or min(every) == max(every):
        return []
    wide = max(every) - min(every) > 0.75 * (high - low)
    usual = median(times) if (times := [t for item in items if (t := seconds_of(item)) is not None]) else None
    lines = []
    for rater, own in sorted(by_rater.items()):
        if len(own) < FEW_RATINGS:
            continue
        values = [item.value.value for item in own]
        if min(values) == max(values):
            lines.append(f"rater {rater} gave {number(values[0], 2)} in all {len(values)} ratings")
            continue
        if wide and len(values) >= 2 * FEW_RATINGS and max(values) - min(values) <= (high - low) / 2:
            ends = f"{number(min(values), 2)} to {number(max(values), 2)} of {low:g} to {high:g}"
            lines.append(f"rater {rater} used {ends} alone in {len(values)} ratings")
        if (found := correlation_with_others(own, by_rater)) is not None:
            lines.append(
                f"rater {rater} orders against the others (Spearman {number(found, 2)}): is his scale reversed?"
            )
        taken = [t for item in own if (t := seconds_of(item)) is not None]
        if usual and taken and median(taken) < HASTY * usual:
            lines.append(f"rater {rater} took {number(median(taken), 1)} s for a rating, all took {number(usual, 1)} s")
    return lines


def seconds_of(item: Item) -> float | None:
    """How long a rating took, where its line says it in seconds."""
    told = dict(item.more)
    for name in TIME_FIELDS:
        try:
            return float(told[name])
        except (KeyError, ValueError):
            continue
    return None


def correlation_with_others(own: Sequence[Item], by_rater: dict[str, list[Item]]) -> float | None:
    """The rank correlation of a rater with the mean of the others on what they have rated, too, where it is shown to be
    below 0; else None."""
    from scipy import stats

    means: dict[tuple[str, str | None], list[float]] = defaultdict(list)
    rater = own[0].value.rater
    for name, given in by_rater.items():
        for item in given if name != rater else ():
            means[item.value.item, item.value.system].append(item.value.value)
    pairs = [
        (item.value.value, math.fsum(others) / len(others))
        for item in own
        if (others := means.get((item.value.item, item.value.system)))
    ]
    if len(pairs) < FEW_RATINGS or len({pair[1] for pair in pairs}) < 2 or len({pair[0] for pair in pairs}) < 2:
        return None
    found = stats.spearmanr(*zip(*pairs, strict=True), alternative="less")
    return float(found.statistic) if found.pvalue < REVERSED else None


def position_bias(items: Sequence[Item], metric: Metric) -> tuple[dict[str, Any], list[str]]:
    """(share of wins of what is shown first at equal strength, with its interval; lines about it).

    From the pairs of models that were shown in both orders: the mean of the shares that the first one won in each of
    the two, in which the strengths cancel; pairs are weighted by the inverse variance that independent votes have. A
    vote of both orders has no such bias, and one of an unknown order tells of none.
    """
    orders: dict[tuple[str, str], list[float]] = defaultdict(list)
    for item in items:
        if not item.value.orders:
            orders[item.value.a, item.value.b].append(item.value.share)
    if not orders:
        unsaid = any(item.value.orders == "unknown" for item in items)
        why = f"{metric.name}: which answer was shown first is not said, so a bias for the first cannot be told apart"
        return {}, [why] if unsaid else []
    total = weight = 0.0
    for (a, b), first in orders.items():
        second = orders.get((b, a))
        if a < b and second:
            precision = 16 / (1 / len(first) + 1 / len(second))  # of votes with a variance of at most 1/4
            total += precision * (math.fsum(first) / len(first) + math.fsum(second) / len(second)) / 2
            weight += precision
    if not weight:
        return {}, [
            f"{metric.name}: each pair was shown in one order only, so a bias for the first cannot be told apart"
        ]
    share, half = total / weight, TWO_SIDED_Z / math.sqrt(weight)
    found = {"first_wins": share, "first_wins_low": max(0.0, share - half), "first_wins_high": min(1.0, share + half)}
    if abs(share - 0.5) <= half:
        return found, []
    ends = f"{number(found['first_wins_low'])} to {number(found['first_wins_high'])}"
    return found, [
        f"{metric.name}: what is shown first wins {number(share)} of the votes at equal strength ({ends}): show pairs "
        "in both orders equally often"
    ]
