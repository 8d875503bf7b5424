"""A comparison broken down by a field of the items' metadata: one row for each language, subject, source.

Takes the runs of both sides and the field; gives for each of its values the runs with the items that have it alone. A
lost item has the field's value that the other side, or another repeat, says; one that nobody knows is in no part.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from parts.comparison.vocabulary import Answer, Run
from parts.frame import MANY, ScriptError, listing, natural_key, nearest
from parts.records.run import Validity

MOST_PARTS = 200
NO_VALUE = "(none)"
COUNTED = re.compile(r"(\d+) of \d+ ((?:answers|attempts) .+)")  # of a whole record
RATER_FIELDS = ("rater", "judge")  # parts by one of these are of one rater each: what they show is of this one alone


def field_values(runs: Sequence[Run], field: str) -> dict[tuple[str, str], str]:
    """The value of the field of each item that somebody has an answer to, or that a lost one says itself."""
    lost = {(run.subtask, name): told[field] for run in runs for name, told in run.lost_fields.items() if field in told}
    return lost | {
        (run.subtask, name): answer.fields.get(field, NO_VALUE)
        for run in runs
        for repeat in run.repeats
        for name, answer in repeat.items()
    }


def of_one_rater(answer: Answer) -> Answer:
    """The answer as one of a part whose ratings are all of one rater, who is no sample of raters."""
    return answer._replace(fields={name: text for name, text in answer.fields.items() if name != "rater"})


def with_value(run: Run, values: dict[tuple[str, str], str], value: str, alone: bool = False) -> Run:
    """The run with the items of one value alone. alone: the value is the name of their rater."""
    own = {name for (subtask, name), found in values.items() if subtask == run.subtask and found == value}
    repeats = tuple(
        {name: of_one_rater(answer) if alone else answer for name, answer in repeat.items() if name in own}
        for repeat in run.repeats
    )
    scored = set().union(*repeats) if repeats else set()
    method = "" if alone else run.error_method  # clustered by raters
    validity = part_validity(run, len(run.errors & own), len(scored))
    own_facts = {"n": len(scored), "counts": {}, "size": None, "error_method": method, "validity": validity}
    return replace(run, repeats=repeats, errors=run.errors & own, **own_facts)


def part_validity(run: Run, lost: int, scored: int) -> Validity:
    """The gate's answer about a part: lost answers are those of the part, whatever they are called (unparsed); what
    else is counted is known of all parts together alone."""
    found: dict[bool, list[str]] = {True: [], False: []}
    told = [*((True, text) for text in run.validity.reasons), *((False, text) for text in run.validity.remarks)]
    for refused, text in told:
        counted = COUNTED.fullmatch(text)
        if counted is None:
            found[refused].append(text)
        elif int(counted[1]) not in (run.attempts.lost, len(run.errors)):
            found[refused].append(f"{text}, in all parts together")
        elif lost:
            found[lost > MANY * (lost + scored)].append(f"{lost} of {lost + scored} {counted[2]}")
    return Validity(tuple(found[True]), tuple(found[False]))


def parts_by_field(
    baseline: Sequence[Run], candidate: Sequence[Run], field: str
) -> Iterator[tuple[str, list[Run], list[Run]]]:
    """(value, runs of both sides) for each value of a field; nothing where the items have one value, or it is unknown.

    ScriptError where there are too many values to be parts.
    """
    values = field_values([*baseline, *candidate], field)
    found = sorted(set(values.values()), key=natural_key)
    if len(found) < 2:
        return
    if len(found) > MOST_PARTS:
        raise ScriptError(f"--by {field}: {len(found)} values ({listing(found, 3)}, ...): no parts of a benchmark")
    alone = field in RATER_FIELDS
    for value in found:
        yield value, *([with_value(run, values, value, alone) for run in runs] for runs in (baseline, candidate))


def check_part_field(runs: Sequence[Run], field: str) -> None:
    """ScriptError when no item has the field, with those that they have."""
    fields = {name for run in runs for repeat in run.repeats for answer in repeat.values() for name in answer.fields}
    if field not in fields:
        hint = nearest(field, fields) or f"; they have: {listing(sorted(fields), 20) or 'no metadata'}"
        raise ScriptError(f"--by: no item has {field!r} in its metadata{hint}")
