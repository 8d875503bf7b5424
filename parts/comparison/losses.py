"""Verdicts that lost attempts could overturn.

Takes a judged row; gives it back, INCONCLUSIVE where its verdict does not hold with all lost attempts of the candidate
wrong and all of the baseline right (for a pass), or the other way round (for a failure). Failure that is tied to the
answer is the rule: nothing is assumed of an attempt that left no score but that its score lies within the range.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from parts.comparison.corpus import corpus_ends
from parts.comparison.pairs import part_factors
from parts.comparison.vocabulary import (
    BETTER,
    GO,
    INCONCLUSIVE,
    NO_GO,
    NO_REGRESSION,
    REGRESSION,
    Policy,
    Row,
    Side,
)
from parts.frame import number
from parts.records.attempts import Attempts, attempts_text, score_bounds
from parts.records.lost import attempts_of_runs, hidden_share, possible_mean

SMALL_SHIFT = 0.25  # of a difference: less of it is worth no note
BY_WRITING = "only by how answers are written"


@dataclass(frozen=True, slots=True)
class Reach:
    """How far lost attempts could move the gain (more is better): from `low` to `high`, both relative to the observed.

    share: of the compared items in all items, lost ones included; the observed gain counts for so much of the whole.
    """

    low: float
    high: float
    share: float


def side_attempts(side: Side) -> Attempts:
    """What became of all attempts of a side."""
    return attempts_of_runs(side.runs)


def ends_of(row: Row) -> tuple[float, float] | None:
    """The range of an attempt's score; where the metric has none, that of the scores that are there."""
    runs = [run for side in row.sides for run in side.runs]
    lows, highs = {run.low for run in runs}, {run.high for run in runs}
    seen = [value for side in row.sides for values in side.scores.values() for value in values]
    low = min(lows) if None not in lows else min(seen, default=None)
    high = max(highs) if None not in highs else max(seen, default=None)
    return None if low is None or high is None else (low, high)


def reach_of(row: Row) -> Reach | None:
    """How far lost attempts could move a row's gain; None where nothing bounds it."""
    if row.corpus is not None:
        both = None if any(hidden_share(side.runs) for side in row.sides) else corpus_ends(row)
        return None if both is None else reach_between(row, both)
    ends = ends_of(row)
    if ends is None:
        return None
    if row.pairs is None:
        return reach_of_scores(row)
    baseline, candidate = row.sides
    both = baseline.lost.union(baseline.scores) & candidate.lost.union(candidate.scores)
    factors = part_factors(both, row.parts_once)
    one, two = (possible_mean(side.runs, both, factors, *ends) for side in row.sides)
    observed = compared = 0.0
    for name in both:
        if name in baseline.scores and name in candidate.scores:
            compared += factors[name[0]]
            gain = repeats_mean(candidate.scores[name]) - repeats_mean(baseline.scores[name])
            observed += factors[name[0]] * gain / len(both)
    low, high = two[0] - one[1], two[1] - one[0]
    if row.sign < 0:
        low, high, observed = -high, -low, -observed
    return Reach(low - observed, high - observed, compared / len(both))


def side_ends(row: Row, i: int) -> tuple[float, float] | None:
    """The least and the greatest score of a side, whatever its lost attempts would have got; None without bounds."""
    side, score = row.sides[i], (row.baseline_score, row.score)[i]
    if row.corpus is not None:
        whole = None if any(hidden_share(one.runs) for one in row.sides) else corpus_ends(row)
        return None if whole is None else whole[i]
    ends, names = ends_of(row), side.lost.union(side.scores)
    if ends is None or any(run.corpus_level for run in side.runs):
        return None
    if side.scores:
        return possible_mean(side.runs, names, part_factors(names, row.parts_once), *ends)
    items = [run.n for run in side.runs]
    return score_bounds(score, side_attempts(side), *ends, items=None if None in items else sum(items))


def reach_of_scores(row: Row) -> Reach | None:
    """The reach by the counts of two records without items."""
    bounds = [side_ends(row, i) for i in (0, 1)]
    return None if None in bounds else reach_between(row, bounds)


def reach_between(row: Row, ends: Sequence[tuple[float, float]]) -> Reach:
    """The reach when each side's score may be anything between its ends."""
    (base_low, base_high), (low, high) = ends
    observed, low, high = row.score - row.baseline_score, low - base_high, high - base_low
    if row.sign < 0:
        low, high, observed = -high, -low, -observed
    return Reach(low - observed, high - observed, 1.0)


def within_reach(row: Row, interval: tuple[float, float]) -> tuple[float, float]:
    """An interval of a row's gain (more is better) that holds whatever its lost attempts would have got."""
    if not any(side_attempts(side).lost for side in row.sides or ()):
        return interval
    reach = reach_of(row) or Reach(-math.inf, math.inf, 0.0)
    low, high = interval
    return min(low, reach.share * low + reach.low), max(high, reach.share * high + reach.high)


def repeats_mean(values: tuple[float, ...]) -> float:
    """The mean of an item's repeats."""
    return math.fsum(values) / len(values)


def within_losses(row: Row, policy: Policy) -> Row:
    """The row with what was lost on each side, and without a verdict that the lost attempts could overturn."""
    if not row.sides or row.score is None or row.baseline_score is None:
        return row
    lost = [side_attempts(side) for side in row.sides]
    if not any(one.lost for one in lost):
        return row
    row = replace(row, notes=(*row.notes, *loss_notes(row, lost)))
    if row.verdict not in (GO, BETTER, NO_REGRESSION, NO_GO, REGRESSION):
        return row
    reach = reach_of(row)
    if reach is not None:
        limit = 0.0 if row.verdict == BETTER else row.threshold
        evidence = row.basis.evidence
        if row.verdict in (NO_GO, REGRESSION):
            holds = evidence.p_below((limit - reach.high) / reach.share) <= row.levels[1] if reach.share else False
        else:
            holds = evidence.p_above((limit - reach.low) / reach.share) <= row.levels[0] if reach.share else False
        if holds:
            return row
    shares = [f"{one.lost} of {one.made or '?'}" for one in lost]
    why = (
        f"{row.verdict} only if the lost attempts ({shares[0]} of the baseline, {shares[1]} of the candidate) are like"
    )
    return replace(row, verdict=INCONCLUSIVE, notes=(*row.notes, f"{why} the others: no verdict"))


def score_by_writing(side: Side, score: float) -> tuple[float, str]:
    """A side's score with the other option of scoring that its records name, and how; without one ("") as it is."""
    found = [run.otherwise for run in side.runs]
    if None in found or not found:
        return score, ""
    return score + math.fsum(one[0] - run.score for one, run in zip(found, side.runs, strict=True)) / len(found), (
        found[0][1]
    )


def within_writing(row: Row, policy: Policy) -> Row:
    """The row without a verdict that rests on how answers are written: one that the scores with the other option of
    scoring do not bear, were they all that is to be shown; with a note where the two models differ in it."""
    if not row.sides or row.score is None or row.baseline_score is None:
        return row
    scores = row.baseline_score, row.score
    found = [score_by_writing(side, score) for side, score in zip(row.sides, scores, strict=True)]
    how = next((how for _, how in found if how), "")
    shift = row.sign * (found[1][0] - found[0][0] - (scores[1] - scores[0]))
    if not how or abs(shift) < SMALL_SHIFT * abs(scores[1] - scores[0]):
        return row
    told = f"{how}: {number(found[0][0])} for the baseline, {number(found[1][0])} for the candidate"
    evidence, limit = row.basis and row.basis.evidence, 0.0 if row.verdict == BETTER else row.threshold
    if row.verdict in (NO_GO, REGRESSION):
        holds = evidence.p_below(limit - shift) <= row.levels[1]
    else:
        passed = row.verdict in (GO, BETTER, NO_REGRESSION)
        holds = not passed or evidence.p_above(limit - shift) <= row.levels[0]
    if holds or policy.allow_unlike:
        return replace(row, notes=(*row.notes, told))
    why = f"{row.verdict} {BY_WRITING}; {told}: score both so; or, with the user's yes, --allow-unlike"
    return replace(row, verdict=INCONCLUSIVE, notes=(*row.notes, why))


def loss_notes(row: Row, lost: list[Attempts]) -> list[str]:
    """What is said of each side's lost attempts: how many, why, and the score's bounds."""
    notes = []
    for i, (side, attempts, name) in enumerate(zip(row.sides, lost, ("baseline", "candidate"), strict=True)):
        if not attempts.lost:
            continue
        counts: dict[str, int] = {}
        for run in side.runs:
            for what, count in run.counts.items():
                counts[what] = counts.get(what, 0) + count
        text = f"{name}: {attempts_text(counts, attempts)}"
        found = (side_ends(row, i) or ())[:: row.sign]
        low_high = f"; {number(found[0])} with all of them wrong, {number(found[1])} with all right" if found else ""
        notes.append(text + low_high)
    return notes
