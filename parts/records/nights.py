"""One model measured night after night: each night's score with its interval, and what changed since the night before.

Takes runs of one model, with their items where prompts are to be compared; gives its nights by task, the oldest first.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from parts.records.repeats import merged_repeats
from parts.records.run import Run, setting_differences
from parts.records.states import moment_of_run
from parts.statistics.intervals import TWO_SIDED_Z, wilson_interval
from parts.statistics.nights import Drift, drift_of

TaskKey = tuple[str, str, str]  # benchmark with its part, metric, shots


@dataclass(frozen=True, slots=True)
class NightScore:
    """One night's score of one task; `changed`: what is not as it was the night before."""

    date: str
    run: Run
    interval: tuple[float, float] | None
    changed: tuple[str, ...] = ()


def nights_by_task(runs: Sequence[Run]) -> dict[TaskKey, list[NightScore]]:
    """The nights of each task; runs that were made as repeats (one run id, or one moment) are one, their mean."""
    made: dict[tuple[TaskKey, object], list[Run]] = defaultdict(list)
    for run in sorted((run for run in runs if run.measured), key=moment_of_run):
        made[(run.task, run.metric, run.shots), run.run_id or moment_of_run(run)].append(run)
    nights: dict[TaskKey, list[NightScore]] = defaultdict(list)
    for (key, _), own in made.items():
        run = merged_repeats(own)[0][-1]
        changed = night_changes(nights[key][-1].run, run) if nights[key] else ()
        date = moment_of_run(own[-1]).strftime("%Y-%m-%d %H:%M")
        nights[key].append(NightScore(date, run, night_interval(run), changed))
    return dict(nights)


def night_interval(run: Run) -> tuple[float, float] | None:
    """The 95 % interval of a score; None where neither its error nor its number of items is known.

    Of a proportion Wilson's, on the number of items that its standard error stands for; of any other by that error.
    """
    error, spread = run.standard_error, run.score * (1 - run.score)
    if run.unit == "proportion" and run.n and spread >= 0:
        n = spread / error**2 + 1 if error and spread else run.n
        return wilson_interval(run.score * n, n)
    if not error:
        return None
    low, high = run.score - TWO_SIDED_Z * error, run.score + TWO_SIDED_Z * error
    return (low, high) if run.low is None or run.high is None else (max(run.low, low), min(run.high, high))


def night_changes(before: Run, run: Run) -> tuple[str, ...]:
    """What is not as it was: weights (where both are known), prompts, items, harness, other settings."""
    found = []
    if before.identity.fixed and run.identity.fixed and before.identity.fixed != run.identity.fixed:
        found.append("weights")
    elif "" not in (before.identity.files, run.identity.files) and before.identity.files != run.identity.files:
        found.append("files beside the weights")
    if before.repeats and run.repeats:
        common = set(before.repeats[0]) & set(run.repeats[0])
        pairs = [(before.repeats[0][name], run.repeats[0][name]) for name in common]
        if any(one.prompt_hash and other.prompt_hash and one.prompt_hash != other.prompt_hash for one, other in pairs):
            found.append("prompts")
        elif len(common) < max(len(before.repeats[0]), len(run.repeats[0])):
            found.append("items")
    if before.harness != run.harness:
        found.append(f"harness {' '.join(before.harness)} → {' '.join(run.harness)}")
    names = [name for name in setting_differences(before, run) if not name.startswith("harness")]
    return (*found, *names[:3])


def drift_of_nights(nights: Sequence[NightScore]) -> tuple[Drift, str] | None:
    """The drift of the valid scores since something other than the weights changed last, and the night before it."""
    begin = max((i for i, night in enumerate(nights) if set(night.changed) - {"weights"}), default=0)
    own = [night for night in nights[begin:] if not night.run.validity.reasons]
    drift = drift_of([night.run.score for night in own])
    return None if drift is None or math.isclose(drift.slope, 0.0) else (drift, own[drift.since].date[:10])
