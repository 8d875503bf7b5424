"""Rank ranges, errors and averages."""

from __future__ import annotations

import dataclasses
import math
import statistics
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from parts.board.vocabulary import SOURCE_TYPES, RankRange
from parts.records.shared import joint_pairs, votes_of
from parts.statistics.few import FEW_ITEMS

ALPHA = 0.05  # familywise error of the comparisons that make rank ranges
SHARE_SCALES = {"proportion": 1.0, "percent": 100.0}
WIDENED = "wider by what lost answers could change"
HALVINGS = 60  # that find a number of answers to the last digit
COARSE, FINE = 1.5, 1.08  # largest variance in a group of models by its smallest, to bound the threshold and to count
MOST_GROUPS = 64
PAIRS_AT_ONCE = 60_000

# Items of the whole test sets, for the binomial error of scores that do not say how many items they are from.
# The papers' and dataset cards' numbers; benchmarks that change over time are not in it.
TEST_ITEMS = {
    "aime_2024": 30, "aime_2025": 30, "aime_2026": 30, "arc_challenge": 1172, "arc_easy": 2376, "bbh": 6511,
    "boolq": 3270, "commonsenseqa": 1221, "gpqa": 448, "gpqa_diamond": 198, "gsm8k": 1319, "hellaswag": 10042,
    "hle": 2500, "humaneval": 164, "humaneval_plus": 164, "ifeval": 541, "math": 5000, "math_500": 500, "mbpp": 500,
    "mbpp_plus": 378, "mmlu": 14042, "mmlu_pro": 12032, "openbookqa": 500, "piqa": 1838, "simpleqa": 4326,
    "swe_bench": 2294, "swe_bench_lite": 300, "swe_bench_verified": 500, "truthfulqa_mc1": 817, "winogrande": 1267,
}  # fmt: skip


def is_widened(row: Mapping[str, Any]) -> bool:
    """Whether the error of a row's comparable value is larger than the standard error that its source states."""
    ends = ("comparable_error", "canonical_unit"), ("standard_error", "unit")
    wide, own = ((row.get(name) or 0.0) / SHARE_SCALES.get(row.get(unit) or "", 1.0) for name, unit in ends)
    return "standard_error" in row and wide > own * (1 + 1e-9)


def row_error(row: Mapping[str, Any]) -> tuple[float | None, str]:
    """(standard error of a row's comparable value, where it is from); (None, "unknown") when nothing tells it.

    Without a stated one, a share of n right answers has the binomial error of (x + 1) / (n + 2), as Agresti and Caffo
    (2000) take it for differences: never zero, and an upper bound for the mean of any scores between 0 and 1.
    """
    stated, few = row.get("comparable_error") or 0.0, (row.get("n") or FEW_ITEMS) < FEW_ITEMS
    scale = SHARE_SCALES.get(row.get("canonical_unit") or "")
    items = row.get("n") or TEST_ITEMS.get(row.get("benchmark") or "")
    basis = WIDENED if is_widened(row) else "stated"
    if scale is None or not items or not 0 <= row["comparable"] <= scale:
        return (stated, basis) if stated > 0 and not few else (None, "unknown")
    share = (row["comparable"] / scale * items + 1) / (items + 2)
    error = scale * math.sqrt(share * (1 - share) / (items + 2))
    if stated > (error if few else 0.0):
        return stated, basis
    return error, "binomial, stated n" if row.get("n") else "binomial, full test set"


def answers_told(shares: Any, errors: Any) -> Any:
    """How many right or wrong answers tell as much as scores with these standard errors: n of which row_error gives
    the same; 0 where an error is larger than that of any."""
    import numpy as np

    low, high = np.zeros_like(shares), 0.25 / errors**2
    for _ in range(HALVINGS):
        n = (low + high) / 2
        more = (n * shares + 1) * (n * (1 - shares) + 1) > errors**2 * (n + 2) ** 3
        low, high = np.where(more, n, low), np.where(more, high, n)
    return low


def tested_values(rows: Sequence[Mapping[str, Any]], errors: Any, lower: bool) -> tuple[Any, Any, Any]:
    """(values, values as those of the worse one of two, variances) of scores for z-tests of all pairs; more is better.

    Shares are turned into angles, asin(sqrt((x + 3/8) / (n + 3/4))) with the variance 1 / (4 n + 2) (Anscombe 1948),
    and each of two is half an answer nearer to the other, as in tests of counts: so few answers, and all right or all
    wrong ones, tell two models apart by chance no more often than many do.
    """
    import numpy as np

    values = np.array([row["comparable"] for row in rows], dtype=float)
    scales = {SHARE_SCALES.get(row.get("canonical_unit") or "") for row in rows}
    scale = scales.pop() if len(scales) == 1 else None
    if scale is None or values.min() < 0 or values.max() > scale:
        values = -values if lower else values
        return values, values, errors**2
    shares = np.clip(1 - values / scale if lower else values / scale, 0.0, 1.0)
    n = answers_told(shares, errors / scale)
    nearer, raised = (
        np.arcsin(np.sqrt(np.clip((n * shares + half + 0.375) / (n + 0.75), 0.0, 1.0))) for half in (-0.5, 0.5)
    )
    return nearer, raised, 1 / (4 * n + 2)


def rank_ranges(rows: Sequence[Mapping[str, Any]]) -> dict[str, RankRange]:
    """Model -> the ranks it may have, from the shown rows of one benchmark (comparable not null).

    Every pair of models whose errors are known is compared with a two-sided z-test (the scores as independent, which
    is cautious for models that answered the same items; those from the same votes, for which it is not, by the gap that
    these tell of); Holm's correction over all pairs. A model ranks from 1 + the number of significantly better
    models to the number of models - that of significantly worse ones. Models without a known error have no rank, but
    may be anywhere: each makes the others' ranges one longer.
    """
    errors = {row["model"]: row_error(row) for row in rows}
    known = [row for row in rows if errors[row["model"]][0] is not None]
    found = {model: RankRange(None, None, "unknown") for model, (error, _) in errors.items() if error is None}
    if not known:
        return found
    import numpy as np

    lower = any(row.get("lower_is_better") for row in rows)
    own = np.array([errors[row["model"]][0] for row in known], dtype=float)
    tested = tested_values(known, own, lower)
    votes = [votes_of(row.get("votes")) for row in known]
    signed = [-row["comparable"] if lower else row["comparable"] for row in known]
    together = joint_pairs(votes, signed, own, lower)
    better, worse = dependent_counts(*tested, together) if together else significant_counts(*tested)
    for row, above, below in zip(known, better, worse, strict=True):
        found[row["model"]] = RankRange(1 + int(above), len(rows) - int(below), errors[row["model"]][1])
    return found


@dataclasses.dataclass(frozen=True, slots=True)
class ErrorGroup:
    """Models whose errors are nearly of one size, the lowest value first."""

    values: Any
    variances: Any
    places: Any  # in the whole list
    least: float  # variance
    most: float

    def first_above(self, reach: Any) -> Any:
        """For each number the place in this group of the first value that is not below it."""
        return self.values.searchsorted(reach)


def error_groups(values: Any, variances: Any, step: float) -> list[ErrorGroup]:
    """All models in groups in which the variance grows by this factor at most, or in MOST_GROUPS of one size."""
    import numpy as np

    order = np.lexsort((values, variances))
    steps = np.floor(np.log(variances[order] / variances[order[0]]) / math.log(step))
    parts = np.split(order, np.flatnonzero(np.diff(steps)) + 1)
    groups = []
    for part in parts if len(parts) <= MOST_GROUPS else np.array_split(order, MOST_GROUPS):
        places = part[np.argsort(values[part], kind="stable")]
        spread = variances[places]
        groups.append(ErrorGroup(values[places], spread, places, float(spread.min()), float(spread.max())))
    return groups


def holm_threshold(rejected: int, pairs: int) -> float:
    """How many standard errors a difference must reach when so many pairs are told apart already."""
    return statistics.NormalDist().inv_cdf(1 - ALPHA / max(pairs - rejected, 1) / 2)


def significant_counts(values: Any, raised: Any, variances: Any) -> tuple[Any, Any]:
    """For each value how many others are significantly higher, and lower; Holm's step-down over all pairs.

    raised: what another one's value is compared with, where it is the higher one (see tested_values).

    Holm rejects the same hypotheses as this: compare all p-values with alpha / (pairs not rejected so far), again and
    again until no more are. In a group of models with errors of nearly one size, sorted by value, bisection finds those
    that are surely told apart from a model (by the group's largest error) and those that surely are not (by its
    smallest); only pairs between, or between the first and the last threshold, are looked at one by one. So n models
    take O(n log n) where their errors are of few sizes.
    """
    import numpy as np

    count = len(values)
    better, worse = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
    if count < 2:
        return better, worse
    order = np.argsort(values, kind="stable")
    values, raised, variances = values[order], raised[order], variances[order]
    pairs = count * (count - 1) // 2
    coarse, fine = (error_groups(values, variances, step) for step in (COARSE, FINE))
    slack = 1e-12 * float(np.abs(values).max() + holm_threshold(0, pairs) * math.sqrt(variances.max()))

    def reach(group: ErrorGroup, threshold: float, sure: bool) -> Any:
        if sure:
            return group.first_above(raised + threshold * np.sqrt(variances + group.most) + slack)
        return group.first_above(raised + threshold * np.sqrt(variances + group.least) - slack)

    def told_apart(rejected: int, sure: bool) -> int:
        threshold = holm_threshold(rejected, pairs)
        return sum(count * len(group.values) - int(reach(group, threshold, sure).sum()) for group in coarse)

    fewest, most = holm_bounds(told_apart, pairs)
    strict, lenient = holm_threshold(fewest, pairs), holm_threshold(most, pairs)
    sure, open_pairs = 0, []
    for group in fine:
        first, last = reach(group, lenient, False), reach(group, strict, True)
        better += len(group.values) - last
        worse[group.places] += np.cumsum(np.bincount(last, minlength=len(group.values) + 1))[:-1]
        sure += count * len(group.values) - int(last.sum())
        for block, low, high in pairs_between(first, last):
            distance = (group.values[high] - raised[low]) ** 2
            variance = group.variances[high] + variances[low]
            certain = distance >= strict**2 * variance
            kept = np.flatnonzero((distance >= lenient**2 * variance) & ~certain)
            better[block] += np.bincount(low[certain] - block.start, minlength=block.stop - block.start)
            worse[group.places] += np.bincount(high[certain], minlength=len(group.values))
            sure += int(np.count_nonzero(certain))
            open_pairs.append((low[kept], group.places[high[kept]], distance[kept], variance[kept]))
    low, high, distance, variance = (np.concatenate(part) for part in zip(*open_pairs, strict=True))
    rejected = fewest
    while True:
        told = distance >= holm_threshold(rejected, pairs) ** 2 * variance
        now = sure + int(told.sum())
        if now <= rejected:
            break
        rejected = now
    better += np.bincount(low[told], minlength=count)
    worse += np.bincount(high[told], minlength=count)
    back = np.argsort(order)
    return better[back], worse[back]


def dependent_counts(
    values: Any, raised: Any, variances: Any, together: Sequence[tuple[int, int, float]]
) -> tuple[Any, Any]:
    """As significant_counts, pair by pair, where the errors of some pairs are not independent.

    together: these pairs, with the statistic for the first being higher.
    """
    import numpy as np

    first, second = (np.array([pair[i] for pair in together]) for i in (0, 1))
    statistic = (values[:, None] - raised[None, :]) / np.sqrt(variances[:, None] + variances[None, :])
    statistic[first, second] = [pair[2] for pair in together]
    statistic[second, first] = -statistic[first, second]
    rejected = -1
    while (now := int((statistic >= holm_threshold(max(rejected, 0), math.comb(len(values), 2))).sum())) > rejected:
        rejected = now
    told = statistic >= holm_threshold(rejected, math.comb(len(values), 2))
    return told.sum(axis=0), told.sum(axis=1)


def holm_bounds(told_apart: Callable[[int, bool], int], pairs: int) -> tuple[int, int]:
    """(at least, at most) so many pairs does Holm's procedure reject, from bounds of what one step of it rejects."""
    fewest = told_apart(0, True)
    fewest = most = max(fewest, told_apart(fewest, True))
    while (now := told_apart(most, False)) > most:
        most = min(pairs, now + (now - most) // 8)
    return fewest, most


def pairs_between(first: Any, last: Any) -> Iterator[tuple[slice, Any, Any]]:
    """(a part of the list, place in the list, place in the group) of the pairs from first to last of each model.

    So many at a time as a processor's cache holds.
    """
    import numpy as np

    ends = np.cumsum(last - first)
    start, done = 0, 0
    while start < len(ends):
        stop = max(start + 1, int(np.searchsorted(ends, done + PAIRS_AT_ONCE, "right")))
        counts = last[start:stop] - first[start:stop]
        shift = first[start:stop] - (ends[start:stop] - counts - done)
        low = np.repeat(np.arange(start, stop), counts)
        yield slice(start, stop), low, np.arange(len(low)) + np.repeat(shift, counts)
        start, done = stop, int(ends[stop - 1])


def explain_official_ranks(rows: Sequence[dict[str, Any]]) -> None:
    """Give shown rows their model's place on the Hub's own leaderboard, and say why the rank here is another.

    A model may have its place by a row that is not the shown one. Sets `official_rank` and `official_why`.
    """
    ranked = {(row["model"], row["benchmark"]): row for row in rows if row.get("official_rank")}
    boards: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        row["official_why"] = None
        if row["shown"]:
            boards.setdefault(row["benchmark"], []).append(row)
    for key, shown in boards.items():
        there = {row["model"]: ranked[row["model"], key] for row in shown if (row["model"], key) in ranked}
        ranges = rank_ranges(shown) if there else {}
        places = {model: row["official_rank"] for model, row in there.items()}
        sign = -1 if any(row["lower_is_better"] for row in shown) else 1
        order = sorted(places.values())
        others = sorted(sign * row["comparable"] for row in shown if row["model"] not in there)
        for row in shown:
            row["official_rank"] = places.get(row["model"])
            if found := there.get(row["model"]):
                missing = places[row["model"]] - 1 - bisect_left(order, places[row["model"]])
                added = len(others) - bisect_right(others, sign * row["comparable"])
                row["official_why"] = official_difference(row, found, ranges[row["model"]], missing, added) or None


def official_difference(
    row: Mapping[str, Any], there: Mapping[str, Any], rank: RankRange, missing: int, added: int
) -> str:
    """Why a model's rank here is not its place on the Hub's leaderboard, for people; empty when it is.

    there: the row that the Hub ranks; missing: models ahead of it there and not here; added: here, and not there.
    """
    place = row["official_rank"]
    if rank.low == rank.high == place:
        return ""
    why = []
    if there["comparable"] != row["comparable"]:
        why.append(f"the Hub ranks it by {there['value']:g} ({SOURCE_TYPES[there['source_type']]}), not by this score")
    if rank.low is None:
        why.append("no error of its score is known, so it has no rank here")
    elif rank.low != rank.high:
        why.append(f"the errors of the scores leave the places {rank.low} to {rank.high} open; the Hub goes by value")
    if missing > 0:
        why.append(f"{missing} of those ahead of it on the Hub have no score here")
    if added:
        why.append(f"{added} of those ahead of it here are not on the Hub's leaderboard")
    return "; ".join(why)


def display_score(value: float | None, unit: str | None) -> str:
    """A score for people: 0.412 in proportion -> "41.2", as the columns say %; None -> "–"."""
    if value is None:
        return "–"
    number = float(Decimal(repr(value)) * 100) if unit == "proportion" else value
    return f"{number:.1f}" if abs(number) < 1e6 else f"{number:.3g}"
