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
    ItemId,
    Policy,
    Row,
    Side,
)
from parts.frame import number
from parts.records.attempts import Attempts, attempts_of, attempts_text, score_bounds


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
    own = [attempts_of(run.counts, run.n, *lost_rows(run.repeats, run.errors)) for run in side.runs]
    made = [one.made for one in own]
    return Attempts(None if None in made else sum(made), sum(one.lost for one in own))


def lost_rows(repeats: tuple, errors: frozenset[str]) -> tuple[int, int]:
    """(attempts without a score, all attempts) as the lines of a samples file show them."""
    if not repeats:
        return 0, 0
    names = set(errors).union(*repeats)
    scored = sum(map(len, repeats))
    return len(names) * len(repeats) - scored, len(names) * len(repeats)


def item_range(side: Side, name: ItemId, low: float, high: float) -> tuple[float, float]:
    """The mean of an item's attempts, with all lost ones at `low`, and at `high`."""
    total = scored = made = 0.0
    for run in side.runs:
        if run.subtask != name[0]:
            continue
        for repeat in run.repeats:
            answer = repeat.get(name[1])
            attempts, good = (1, 0) if answer is None else answer.attempts
            made, scored = made + attempts, scored + good
            total += 0.0 if answer is None else answer.score * good
    if not made:
        return low, high
    return (total + (made - scored) * low) / made, (total + (made - scored) * high) / made


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
        both = None if any(map(hidden_share, row.sides)) else corpus_ends(row)
        return None if both is None else reach_between(row, both)
    ends = ends_of(row)
    if ends is None:
        return None
    if row.pairs is None:
        return reach_of_scores(row, ends)
    baseline, candidate = row.sides
    both = baseline.lost.union(baseline.scores) & candidate.lost.union(candidate.scores)
    low = high = observed = compared = 0.0
    factors = part_factors(both, row.parts_once)
    for name in both:
        one, two = item_range(baseline, name, *ends), item_range(candidate, name, *ends)
        factor = factors[name[0]]
        low, high = low + factor * (two[0] - one[1]), high + factor * (two[1] - one[0])
        if name in baseline.scores and name in candidate.scores:
            compared += factor
            observed += factor * (repeats_mean(candidate.scores[name]) - repeats_mean(baseline.scores[name]))
    hidden = sum(hidden_share(side) for side in row.sides) * (ends[1] - ends[0]) * len(both)
    low, high = low - hidden, high + hidden
    if row.sign < 0:
        low, high, observed = -high, -low, -observed
    return Reach((low - observed) / len(both), (high - observed) / len(both), compared / len(both))


def hidden_share(side: Side) -> float:
    """The share of a side's attempts that were lost without an item showing it: any could be the one."""
    told, shown = side_attempts(side), 0
    for run in side.runs:
        lost, _ = lost_rows(run.repeats, run.errors)
        shown += lost
        for repeat in run.repeats:
            shown += sum(made - scored for made, scored in (answer.attempts for answer in repeat.values()))
    return max(0, told.lost - shown) / told.made if told.made else 0.0


def reach_of_scores(row: Row, ends: tuple[float, float]) -> Reach | None:
    """The reach by the counts of two records without items."""
    bounds = []
    for side, score in zip(row.sides, (row.baseline_score, row.score), strict=True):
        found = score_bounds(score, side_attempts(side), *ends)
        if found is None:
            return None
        bounds.append(found)
    return reach_between(row, bounds)


def reach_between(row: Row, ends: Sequence[tuple[float, float]]) -> Reach:
    """The reach when each side's score may be anything between its ends."""
    (base_low, base_high), (low, high) = ends
    observed, low, high = row.score - row.baseline_score, low - base_high, high - base_low
    if row.sign < 0:
        low, high, observed = -high, -low, -observed
    return Reach(low - observed, high - observed, 1.0)


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


def loss_notes(row: Row, lost: list[Attempts]) -> list[str]:
    """What is said of each side's lost attempts: how many, why, and the score's bounds."""
    notes = []
    ends = ends_of(row) if row.corpus is None else None
    whole = corpus_ends(row) if row.corpus is not None and not any(map(hidden_share, row.sides)) else None
    for i, (side, attempts, name) in enumerate(zip(row.sides, lost, ("baseline", "candidate"), strict=True)):
        if not attempts.lost:
            continue
        score = repeats_mean(side.run_scores)
        counts: dict[str, int] = {}
        for run in side.runs:
            for what, count in run.counts.items():
                counts[what] = counts.get(what, 0) + count
        text = f"{name}: {attempts_text(counts, attempts)}"
        found = score_bounds(score, attempts, *ends) if ends else whole[i][:: row.sign] if whole else None
        low_high = f"; {number(found[0])} with all of them wrong, {number(found[1])} with all right" if found else ""
        notes.append(text + low_high)
    return notes
