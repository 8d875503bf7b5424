"""The last nights of both sides as one sequence: what they show together, and whether the candidate drifts.

Takes a question with nights and its rows as judged by tonight alone; gives the rows with what the nights say, and a
verdict for those that tonight leaves open. Nights that were measured otherwise than tonight are left out; where they
are shown to differ (a drift, or tonight against the others) they do not measure one thing, and tonight stands alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from parts.comparison.losses import side_attempts
from parts.comparison.pairs import match_items, numbered_groups
from parts.comparison.rows import Question, make_row, task_done, variants, without_task
from parts.comparison.vocabulary import (
    ABSENT,
    GO,
    INCONCLUSIVE,
    NO_GO,
    NOT_COMPARABLE,
    ModelRuns,
    NightsFound,
    Policy,
    Row,
    Side,
)
from parts.frame import number
from parts.records.run import Run, setting_differences
from parts.records.states import moment_of_run, states_of
from parts.statistics.bounded import satterthwaite, sharing_error
from parts.statistics.differences import paired_difference, two_sided_p, upper_tail
from parts.statistics.nights import FEWEST_NIGHTS, FEWEST_TO_DRIFT, Drift, Night, drift_of, sequential_evidence


def nights_until(tonight: ModelRuns, runs: Sequence[Run], most: int, but: set[str]) -> tuple[ModelRuns, ...]:
    """The last states of a model up to tonight's, each with the runs of one night, the oldest first; `but`: files that
    are another side's."""
    until = max(map(moment_of_run, tonight.runs))
    states = [state for state in states_of(runs) if not {run.file for run in state} & but]
    states = [state for state in states if max(map(moment_of_run, state)) <= until]
    return tuple(ModelRuns(tonight.name, tuple(state)) for state in states[-most:])


def night_date(model: ModelRuns) -> str:
    """The day of a night's last run."""
    return max(map(moment_of_run, model.runs)).strftime("%Y-%m-%d")


def pairs_of_nights(
    baseline: Sequence[ModelRuns], candidate: Sequence[ModelRuns]
) -> tuple[tuple[ModelRuns, ModelRuns], ...]:
    """Each night of the candidate with the baseline's last one until then, or its first."""
    found = []
    for night in candidate:
        when = max(map(moment_of_run, night.runs))
        before = [other for other in baseline if min(map(moment_of_run, other.runs)) <= when]
        found.append((before[-1] if before else baseline[0], night))
    return tuple(found)


def with_history(rows: Sequence[Row], question: Question, alpha: float) -> list[Row]:
    """The rows with what the nights say; alpha: the part of the error budget that is theirs."""
    gate = sum(row.blocking for row in rows)
    return [with_nights(row, question, alpha, max(1, gate)) for row in rows]


def with_nights(row: Row, question: Question, alpha: float, gate: int) -> Row:
    """One row with its nights, and the verdict that they bring where tonight brings none."""
    if row.verdict in (ABSENT, NOT_COMPARABLE) or row.pairs is None or row.by:
        return row
    nights, dates, left = comparable_nights(row, question)
    if len(nights) < FEWEST_NIGHTS:
        words = f"{len(nights)} nights that can be compared: too few to be taken together"
        return replace(row, notes=(*row.notes, words, *left))
    gains = [night.gain for night in nights]
    drift = drift_of(gains)
    found = NightsFound(
        count=len(nights),
        first=dates[0],
        last=dates[-1],
        gains=tuple(gains),
        dates=tuple(dates),
        drift=drift,
        since=dates[drift.since] if drift else None,
        change=change_tonight(nights, row.span),
        sequence=None if row.threshold is None else sequential_evidence(nights, row.threshold, row.span),
    )
    row = replace(row, nights=found)
    row = decided_by_nights(row, question.policy, alpha, gate)
    return replace(row, notes=(*row.notes, *nights_notes(row), *left))


def comparable_nights(row: Row, question: Question) -> tuple[list[Night], list[str], list[str]]:
    """The nights that measured as tonight did, with their dates, and a note about the others."""
    found, dates, left = [], [], []
    for baseline, candidate in question.nights:
        night = night_row(row, question, baseline, candidate)
        why = unlike_tonight(night, row)
        if night is None or why:
            left.append(f"{night_date(candidate)} ({why or 'not measured'})")
            continue
        found.append(night_of(night))
        dates.append(night_date(candidate))
    return found, dates, [f"nights left out: {'; '.join(left[:5])}{' ...' if len(left) > 5 else ''}"] if left else []


def night_row(row: Row, question: Question, baseline: ModelRuns, candidate: ModelRuns) -> Row | None:
    """The row of one night for the same benchmark, before any verdict; None where it was not measured."""
    key, policy, title = row.key, question.policy, question.vocabulary.title(row.key)
    for place in range(1 + len(policy.further.get(key, ()))):
        own = policy.of_metric(key, place) if key in policy.further else policy
        name = f"{title} {own.limits(key).metric}" if key in policy.further else title
        if not row.label.startswith(name):
            continue
        asked = replace(question, baseline=baseline, candidates=(candidate,), policy=own)
        task = task_done(row.sides[1].runs[0])
        of = f" ({task})" if task and row.label.startswith(f"{name} ({task})") else ""
        models = [without_task(model, {key: task}) if of else model for model in (baseline, candidate)]
        one, two = (asked.runs(model, models).get(key, []) for model in models)
        for suffix, ours, theirs in variants(one, two):
            suffix = of + suffix
            if ours and theirs and name + suffix in (row.label, name + of):
                return make_row(asked, candidate, key, suffix, ours, theirs)
    return None


def unlike_tonight(night: Row | None, row: Row) -> str:
    """Why a night cannot be put beside tonight; nothing where it can."""
    if night is None:
        return ""
    if night.verdict == NOT_COMPARABLE or night.pairs is None or night.sides is None:
        return night.notes[0] if night.notes else "not comparable"
    if found := setting_differences(night.sides[1].runs[0], row.sides[1].runs[0]):
        return next(iter(found))
    matched = match_items(night.sides[1], row.sides[1])
    if matched.other_prompts or matched.other_items:
        return "other prompts" if matched.other_prompts else "other items or prompts"
    return "" if night.metric == row.metric else "another metric"


def means_of_repeats(side: Side) -> dict[tuple[str, str], float]:
    """The mean of each item's repeats."""
    return {name: math.fsum(values) / len(values) for name, values in side.scores.items()}


def night_of(row: Row) -> Night:
    """The paired items of a night, with what each shares with other nights: its passage, or itself."""
    import numpy as np

    names = sorted(match_items(*row.sides).names)
    one, two = map(means_of_repeats, row.sides)
    groups = [row.sides[1].answers[name].group or row.sides[0].answers[name].group for name in names]
    shared = [name if group is None else (name[0], f"group {group}") for name, group in zip(names, groups, strict=True)]
    return Night(row.sign * np.array([two[name] - one[name] for name in names]), shared)


def change_tonight(nights: Sequence[Night], span: float | None) -> tuple[float, float] | None:
    """(tonight's gain less that of the nights before on the same items, two-sided p); None where none are the same."""
    import numpy as np

    before: dict[object, list[float]] = {}
    for night in nights[:-1]:
        for name, value in zip(night.shared, night.differences, strict=True):
            before.setdefault(name, []).append(float(value))
    pairs = [
        (float(value) - math.fsum(before[name]) / len(before[name]), name)
        for name, value in zip(nights[-1].shared, nights[-1].differences, strict=True)
        if name in before
    ]
    if len(pairs) < 10:  # other items each night: the means alone tell
        return change_of_means(nights)
    groups = numbered_groups([name for _, name in pairs])
    # A change of an item's difference may be as wide as two ranges.
    evidence = paired_difference(np.array([value for value, _ in pairs]), [groups], None if span is None else 2 * span)
    return float(np.mean([value for value, _ in pairs])), two_sided_p(evidence)


def change_of_means(nights: Sequence[Night]) -> tuple[float, float] | None:
    """The change of nights that ask other items each, by the means alone: Welch's t, items of one passage together."""
    import numpy as np

    sides = [
        (np.concatenate([night.differences for night in part]), [name for night in part for name in night.shared])
        for part in (nights[-1:], nights[:-1])
    ]
    counts = [len(set(names)) for _, names in sides]
    if min(counts) < 2:
        return None
    variances = [sharing_error(values, [numbered_groups(names)]) ** 2 for values, names in sides]
    change, error = float(sides[0][0].mean() - sides[1][0].mean()), math.sqrt(sum(variances))
    freedom = float(satterthwaite(variances, [count - 1 for count in counts]))
    return (change, min(1.0, 2 * upper_tail(abs(change) / error, freedom))) if error else None


def decided_by_nights(row: Row, policy: Policy, alpha: float, gate: int) -> Row:
    """An open row decided by its nights, where nothing shows that they differ and tonight points the same way."""
    found = row.nights
    change_shown = found.change is not None and found.change[1] < policy.alpha
    lost = any(side_attempts(side).lost for side in row.sides)
    if row.verdict != INCONCLUSIVE or found.sequence is None or found.drift or change_shown or lost:
        return row
    if any(run.otherwise for side in row.sides for run in side.runs):  # how answers are written may decide it
        return row
    if row.basis is None or row.basis.evidence is None or row.levels is None or policy.rule == "select":
        return row
    share = alpha * min(1.0, row.levels[0] / policy.alpha * 2)
    above = row.sign * row.delta >= row.threshold
    verdict = INCONCLUSIVE
    if above and found.sequence.e_pass * share >= 1:
        verdict = GO
    elif not above and found.sequence.e_fail * alpha >= gate:
        verdict = NO_GO
    if verdict == INCONCLUSIVE:
        return row
    return replace(row, verdict=verdict, nights=replace(found, decided=True), items_needed=None, needed_if=None)


def shown_gain(row: Row, value: float) -> str:
    """A gain as a difference of scores, in points for proportions."""
    share = row.unit == "proportion"
    return f"{0.0 + round(row.sign * value * (100 if share else 1), 2):+.2f}{' points' if share else ''}"


def drift_text(row: Row, drift: Drift, since: str) -> str:
    """'-0.40 points a night since 2026-03-02 (p = 0.003)'."""
    return f"{shown_gain(row, drift.slope)} a night since {since} (p = {drift.p_value:.2g})"


def nights_notes(row: Row) -> list[str]:
    """What the nights say, in words."""
    found = row.nights
    lines = []
    if found.drift:
        lines.append(f"drift: {drift_text(row, found.drift, found.since)} over {found.count} nights")
    elif found.count < FEWEST_TO_DRIFT:
        lines.append(f"drift is not judged: {found.count} nights, it takes {FEWEST_TO_DRIFT}")
    if found.change is not None and found.change[1] < 0.05:
        lines.append(
            f"tonight is {shown_gain(row, found.change[0])} from the {found.count - 1} nights before "
            f"(p = {found.change[1]:.2g})"
        )
    if found.sequence is None:
        return lines
    sequence = found.sequence
    low, high = row.as_shown(*map(float, sequence.evidence.interval(0.05)))
    low, high = shown_gain(row, row.sign * low), shown_gain(row, row.sign * high)
    differs = found.drift or (found.change is not None and found.change[1] < 0.05)
    words = "decided by" if found.decided else "so not taken together:" if differs else "not decided by"
    return [
        *lines,
        f"{words} {found.count} nights since {found.first}: {shown_gain(row, sequence.mean)} on average "
        f"({low} to {high}), e-values {number(sequence.e_pass, 1)} for the limit kept, "
        f"{number(sequence.e_fail, 1)} for missed",
    ]
