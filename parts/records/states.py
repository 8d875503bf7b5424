"""Repeats of a measurement, or other states of the model: what may be averaged, and what must be told apart.

Takes runs of one model; gives those of one state. Runs are of one state when their weights are known to be equal (by
hash or commit), and the files that are read beside them where these are known, or they were made as repeats (one run
id). A task that was measured again without either is another state of the model: the latest is taken on request only,
otherwise the states are listed with their dates.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from parts.frame import ScriptError, listing, single_line
from parts.records.run import Run
from parts.records.settings import WORDS_OF_SETTINGS

TOGETHER = timedelta(hours=6)  # between the tasks of one evaluation, at most
SELECTOR = re.compile(
    r"(?P<name>.+?)(?:\[(?P<settings>[^\[\]]+=[^\[\]]*)\])?(?:@(?P<date>\d{4}-\d\d-\d\d(?:T[\d:]*Z?)?))?"
)


def moment_of_run(run: Run) -> datetime:
    """When a run was made (UTC); the beginning of time where its record does not say."""
    stamp = run.moment
    try:
        if re.fullmatch(r"\d{1,11}(?:\.\d+)?", stamp):
            return datetime.fromtimestamp(float(stamp), UTC)
        found = datetime.fromisoformat(stamp)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.min.replace(tzinfo=UTC)


def moment_text(moment: datetime) -> str:
    """A moment as it is written in a name: 2026-03-13T02:10:00Z."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def slot_of(run: Run) -> tuple[object, ...]:
    """What two measurements of the same thing share."""
    return run.key, run.subtask, run.metric, run.shots, run.partial, tuple(sorted(run.settings.items()))


def are_repeats(one: Run, two: Run) -> bool:
    """Whether two measurements of one thing are known to be of one state, or tell the same."""
    if one.identity.fixed and one.identity.fixed == two.identity.fixed:
        return not one.identity.files or not two.identity.files or one.identity.files == two.identity.files
    return bool(one.run_id and one.run_id == two.run_id) or is_same_result(one, two)


def is_same_result(one: Run, two: Run) -> bool:
    """Whether two runs say exactly the same: a copy, or a repetition that changed nothing."""
    if one.score != two.score or one.n != two.n or len(one.repeats) != len(two.repeats) or not one.repeats:
        return one.file == two.file or (one.moment == two.moment and one.score == two.score and one.n == two.n)
    return one.errors == two.errors and all(
        {name: answer.score for name, answer in a.items()} == {name: answer.score for name, answer in b.items()}
        for a, b in zip(one.repeats, two.repeats, strict=True)
    )


class State:
    """Runs that were made together, while they are gathered."""

    def __init__(self) -> None:
        self.runs: list[Run] = []
        self.first: dict[tuple[object, ...], Run] = {}
        self.run_ids: set[str] = set()
        self.latest = datetime.min.replace(tzinfo=UTC)

    def add(self, run: Run, slot: tuple[object, ...]) -> None:
        self.runs.append(run)
        self.first.setdefault(slot, run)
        self.run_ids |= {run.run_id} - {""}
        self.latest = max(self.latest, moment_of_run(run))

    def takes(self, run: Run, slot: tuple[object, ...]) -> bool:
        """Whether a run was made together with these: soon after the last, and nothing of theirs again."""
        if run.run_id in self.run_ids:
            return True
        if moment_of_run(run) - self.latest > TOGETHER:
            return False
        return slot not in self.first or are_repeats(self.first[slot], run)


def fixed_states(runs: Sequence[Run]) -> dict[int, str]:
    """What proves the state of each run, by its id(): weights, and the files beside them where several are known."""
    files: dict[str, set[str]] = defaultdict(set)
    for run in runs:
        files[run.identity.fixed] |= {run.identity.files} - {""}
    several = {fixed for fixed, known in files.items() if fixed and len(known) > 1}
    return {
        id(run): f"{run.identity.fixed}{f' with {run.identity.files}' * (run.identity.fixed in several)}"
        for run in runs
    }


def states_of(runs: Sequence[Run]) -> list[list[Run]]:
    """The states that runs of one model are of, the last measured at the end; one where nothing is in doubt."""
    slots: dict[tuple[object, ...], list[Run]] = defaultdict(list)
    slot_by_run = {id(run): slot_of(run) for run in runs}
    for run in runs:
        slots[slot_by_run[id(run)]].append(run)
    fixed = fixed_states(runs)
    hashes = {*fixed.values()} - {""}
    doubtful = any(not are_repeats(own[0], other) for own in slots.values() for other in own[1:])
    if len(hashes) < 2 and not doubtful:
        return [list(runs)]
    states: list[State] = []
    by_hash: dict[str, State] = {}
    for run in sorted(runs, key=lambda run: (moment_of_run(run), run.file)):
        proof = fixed[id(run)]
        own = by_hash.get(proof) if proof else None
        last = states[-1] if states and not states[-1].runs[0].identity.fixed else None
        if own is None and not proof and last is not None and last.takes(run, slot_by_run[id(run)]):
            own = last
        if own is None:
            states.append(own := State())
            if proof:
                by_hash[proof] = own
        own.add(run, slot_by_run[id(run)])
    return [state.runs for state in sorted(states, key=lambda state: state.latest)]


def state_name(name: str, state: Sequence[Run], dates: Mapping[str, int]) -> str:
    """How a state is asked for: NAME@2026-03-13, or with the time where a day has several."""
    latest = max(map(moment_of_run, state))
    day = latest.strftime("%Y-%m-%d")
    return f"{name}@{day if dates.get(day, 0) < 2 else moment_text(latest)}"


def one_state(runs: Sequence[Run], name: str, what: str, latest: bool, date: str | None) -> tuple[list[Run], list[str]]:
    """The runs of one state of a model, and what is to be said about the others.

    name: as the model is asked for; what: the option and its value, for messages. ScriptError(code=3) when there are
    several states and neither a date nor `latest` says which.
    """
    states = states_of(runs)
    if date is not None:
        chosen = [s for s in states if any(moment_text(moment_of_run(run)).startswith(date.rstrip("Z")) for run in s)]
        if not chosen:
            raise ScriptError(f"{what}: nothing of that date; there are: {listing(state_names(name, states), 20)}")
        states = chosen
    if len(states) == 1:
        days = sorted({moment_of_run(run).strftime("%Y-%m-%d") for run in states[0]})
        again = len(days) > 1 and len(set(map(slot_of, states[0]))) < len(states[0])
        said = (
            f"{name}: the runs of {listing(days)} are of the same weights, so repeats, and averaged: none is left out"
        )
        return states[0], [said] if again and (latest or date is not None) else []
    names = state_names(name, states)
    if latest:
        return states[-1], [f"{names[-1]} is taken (--latest), left out: {listing(names[:-1], 5)}"]
    raise ScriptError(
        f"{what}: measured {len(states)} times with weights, or files beside them (config.json, tokenizer, templates), "
        "that differ, or that nothing proves to be equal: other "
        f"states of the model, no repeats: {listing(names, 20)}{twice_text(runs)}; name one of them, or take the last "
        "with --latest",
        code=3,
    )


def twice_text(runs: Sequence[Run]) -> str:
    """What was measured twice, with its scores, for a message; nothing where nothing was."""
    seen: dict[tuple[object, ...], Run] = {}
    for run in runs:
        other = seen.setdefault(slot_of(run), run)
        if other.score != run.score:
            return f" ({run.task}: {other.written[0]} and {run.written[0]})"
    return ""


def state_names(name: str, states: Iterable[Sequence[Run]]) -> list[str]:
    """The names of some states."""
    states = list(states)
    dates: dict[str, int] = defaultdict(int)
    for state in states:
        dates[max(map(moment_of_run, state)).strftime("%Y-%m-%d")] += 1
    names = [state_name(name, state, dates) for state in states]
    proofs = [state[-1].identity.fixed for state in states]
    return [
        one if names.count(one) == 1 else f"{one} ({proof if proof and proofs.count(proof) == 1 else state[-1].file})"
        for one, proof, state in zip(names, proofs, states, strict=True)
    ]


def split_selector(text: str) -> tuple[str, dict[str, str], str | None]:
    """(name, settings, date) of a model as asked for: "base[solver=old]@2026-03-13"."""
    match = SELECTOR.fullmatch(text)
    if not match:
        return text, {}, None
    pairs = (pair.partition("=") for pair in (match["settings"] or "").split(",") if pair.strip())
    return match["name"], {key.strip(): value.strip() for key, _, value in pairs}, match["date"]


def runs_with_settings(runs: Iterable[Run], wanted: Mapping[str, str]) -> list[Run]:
    """The runs that were made with some settings, named by key or by the words for it."""
    return [
        run
        for run in runs
        if all(
            single_line(value) in (run.settings.get(key), run.settings.get(WORDS_OF_SETTINGS.get(key, key)))
            for key, value in wanted.items()
        )
    ]
