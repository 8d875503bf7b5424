"""Repeats of one measurement: copies count once, the others are averaged, what contradicts itself is refused.

Takes runs of one state of a model; gives one run for each thing that was measured. Only runs that are known to be
repeats (states.py) come together. Whoever wants to know how far repeats lie apart (a comparison) keeps them apart.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from parts.frame import listing, number
from parts.records.files import read_record
from parts.records.items import lines_of_run, read_sample_lines
from parts.records.run import Run
from parts.records.states import are_repeats, slot_of
from parts.statistics.paired import mcnemar_p

CONTRADICTION = 0.001  # a chance below it is no noise
CONTRADICTION_Z = 3.29  # the same, for two scores without items


def is_greedy(run: Run) -> bool:
    """Whether a second run must give the same answers: nothing is drawn at random."""
    return not run.temperature


def usable_runs(runs: Sequence[Run]) -> list[Run]:
    """Of repeats, those that the gate lets through; all where it lets none."""
    return [run for run in runs if not run.validity.reasons] or list(runs)


def full_repeats(runs: Sequence[Run]) -> tuple[list[Run], list[str]]:
    """Of repeats, the usable ones that asked as much as the largest, and what is said of the smaller ones.

    A run of one item is no repeat of a run of a hundred, even where neither says that it is a part.
    """
    usable = usable_runs(runs)
    most = max(run.attempts.made or 0 for run in usable)
    smaller = [run for run in usable if (run.attempts.made or 0) < most]
    lines = [
        f"left out, {run.attempts.made or 'an unknown number of'} attempts beside {most}: {Path(run.file).name}"
        for run in smaller
    ]
    return [run for run in usable if run not in smaller], lines


def distinct_runs(runs: Sequence[Run]) -> tuple[list[Run], list[str]]:
    """The runs that tell something new, and remarks about the others."""
    if len(runs) == 1:
        return list(runs), []
    kept: list[Run] = []
    same = 0
    for run in runs:
        if any(is_copy(run, other) for other in kept):
            same += 1
        else:
            kept.append(run)
    remarks = [f"{same + 1} identical greedy repeats count once"] if same else []
    if len(kept) > 1 and all(is_greedy(run) for run in kept):
        remarks.append(f"{len(kept)} greedy runs differ: the engine is not deterministic; they are averaged")
    return kept, remarks


def is_copy(run: Run, other: Run) -> bool:
    """Whether a run repeats another and adds nothing: the same scores, and the same draws (or none)."""
    if not (is_greedy(run) and is_greedy(other)) and (run.seed is None or run.seed != other.seed):
        return False
    if run.score != other.score or run.errors != other.errors or len(run.repeats) != len(other.repeats):
        return False
    for one, two in zip(run.repeats, other.repeats, strict=True):
        if {name: a.score for name, a in one.items()} != {name: a.score for name, a in two.items()}:
            return False
    return True


def items_of_run(run: Run) -> dict[Hashable, float]:
    """Item (and which time it was asked) -> score, from the run, or the samples beside its record."""
    if run.repeats:
        return {(name, i): answer.score for i, own in enumerate(run.repeats) for name, answer in own.items()}
    path, seen = Path(run.file), Counter()
    record = read_record(path) if path.is_file() else None
    found: dict[Hashable, float] = {}
    for line in lines_of_run(run, read_sample_lines(path, record)) if record else ():
        if line.score is not None:
            found[line.name, seen[line.name]] = line.score * run.scale
        seen[line.name] += 1
    return found


def contradict(one: Mapping[Hashable, float], other: Mapping[Hashable, float]) -> bool:
    """Whether two greedy runs differ by more than an engine's noise, which gains as many items as it loses."""
    changes = [other[item] - one[item] for item in one.keys() & other.keys()]
    return mcnemar_p(sum(c > 0 for c in changes), sum(c < 0 for c in changes)) < CONTRADICTION


def contradiction(runs: Sequence[Run]) -> str:
    """Why the greedy ones of some repeats cannot be of one model; nothing where they can."""
    for one, other in itertools.combinations([run for run in runs if is_greedy(run)], 2):
        if one.subtask != other.subtask or one.score == other.score:
            continue
        items = items_of_run(one), items_of_run(other)
        errors = [run.standard_error for run in (one, other)]
        apart = None not in errors and abs(one.score - other.score) > CONTRADICTION_Z * math.hypot(*errors) > 0
        if contradict(*items) if all(items) else apart:
            found = " and ".join(f"{number(run.score)} in {run.file}" for run in (one, other))
            return f"greedy runs contradict one another: {found}; remove the wrong record"
    return ""


def mean_run(runs: Sequence[Run]) -> Run:
    """One run for some repeats: the mean of their scores with the mean of their errors (their items are the same ones,
    so that repeats do not make it smaller), what became of all attempts, and what is to be said."""
    against = contradiction(usable_runs(runs))
    runs, _ = distinct_runs(full_repeats(runs)[0])
    first = runs[0]
    if len(runs) == 1:
        return (
            replace(first, validity=replace(first.validity, reasons=(*first.validity.reasons, against)))
            if against
            else first
        )
    errors = [run.standard_error for run in runs]
    score = math.fsum(run.score for run in runs) / len(runs)
    scores = (
        " and ".join(number(value) for value in sorted(run.score for run in runs))
        if len(runs) < 4
        else f"{number(score)} on average"
    )
    reasons = dict.fromkeys(reason for run in runs for reason in run.validity.reasons)
    remarks = dict.fromkeys(remark for run in runs for remark in run.validity.remarks)
    validity = replace(
        first.validity,
        reasons=(*reasons, *([against] if against else [])),
        remarks=(f"mean of {len(runs)} repeats: {scores}", *remarks),
    )
    return replace(
        first,
        score=score,
        written=(score / first.scale, first.written[1]),
        standard_error=None if None in errors else math.fsum(errors) / len(errors),
        counts=dict(sum((Counter(run.counts) for run in runs), Counter())),
        times=sum(run.times for run in runs),
        validity=validity,
    )


def repeat_groups(runs: Sequence[Run]) -> list[list[Run]]:
    """Runs that are repeats of one another, in the order of the first of each group."""
    slots: dict[tuple[object, ...], list[list[Run]]] = defaultdict(list)
    groups = []
    for run in runs:
        own = next((group for group in slots[slot_of(run)] if are_repeats(group[0], run)), None)
        if own is None:
            groups.append(own := [])
            slots[slot_of(run)].append(own)
        own.append(run)
    return groups


def merged_repeats(runs: Sequence[Run]) -> tuple[list[Run], list[str]]:
    """One run for each group of repeats, and what is to be said of those that are copies."""
    merged, notes = [], []
    for group in repeat_groups(runs):
        merged.append(mean_run(group))
        kept, lines = full_repeats(group)
        left = [run for run in group if merged[-1] is not run and merged[-1].times == 1]
        copies = [Path(run.file).name for run in left if run in kept]
        invalid = [Path(run.file).name for run in left if run.validity.reasons and not merged[-1].validity.reasons]
        notes += lines
        notes += [f"the same result once more: {listing(copies, 3)}"] if copies else []
        notes += [f"left out, not valid, beside a valid repeat: {listing(invalid, 3)}"] if invalid else []
    return merged, notes
