"""A gate's answer where continuous integration shows it: a JUnit file, annotations and the summary of GitHub Actions.

Takes a Decision, or the error that kept it from being made; gives text. What makes the exit code 1, 2 or 3 is a failure
or an error there, everything else is not. Names of models and benchmarks are foreign text: one line each, escaped.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parts.comparison.report import delta_cell, limit_text, row_notes, score_cell
from parts.comparison.verdicts import is_gated
from parts.comparison.vocabulary import (
    ABSENT,
    INCONCLUSIVE,
    NO_GO,
    NOT_COMPARABLE,
    REGRESSION,
    REPORT,
    Decision,
    Policy,
    Row,
)
from parts.frame import ScriptError, note, single_line
from parts.outgoing import tell_runner, without_secrets

FAILURE, ERROR, SKIPPED, PASSED = "failure", "error", "skipped", "passed"
WAIVED = "undecided, passed by the policy"
OPEN_KINDS = {INCONCLUSIVE: "undecided", NOT_COMPARABLE: "not_comparable", ABSENT: "missing"}


@dataclass(frozen=True, slots=True)
class Case:
    """One benchmark of one candidate as a test: how it ended, of which type, and what is to be said."""

    group: str
    name: str
    ended: str
    kind: str
    message: str


def case_of(row: Row, policy: Policy) -> Case:
    """A row as a test case."""
    verdict = row.verdict
    parts = [verdict]
    if row.delta is not None:
        parts.append(f"{score_cell(row, 1)} against {score_cell(row, 0)}, {delta_cell(row)}, limit {limit_text(row)}")
    message = "; ".join([part for part in (*parts, row_notes(row)) if part])
    way = policy.undecided.get(row.tier, "ask") if verdict == INCONCLUSIVE else "ask"
    if is_gated(row, policy) and (verdict in (NO_GO, REGRESSION) or (way == "fail" and row.blocking)):
        ended = FAILURE
    elif not row.blocking:
        ended = PASSED if verdict == REPORT else SKIPPED
    elif verdict in OPEN_KINDS and way == "ask":
        ended = ERROR
    else:
        ended = PASSED
    kind = "invalid" if row.invalid and verdict == NOT_COMPARABLE else OPEN_KINDS.get(verdict, verdict)
    if ended == PASSED and verdict == INCONCLUSIVE:
        ended, kind, message = SKIPPED, WAIVED, f"{WAIVED}; {message}"
    return Case(f"{row.candidate}.{row.tier}", row.shown or row.label, ended, kind, single_line(message))


def cases_of(decision: Decision) -> list[Case]:
    """All of a decision's rows that its verdict is read off."""
    rows = [row for row in decision.rows if decision.chosen in (None, row.candidate)]
    return [case_of(row, decision.policy) for row in rows]


def junit_xml(title: str, cases: Sequence[Case], warnings: Sequence[str] = ()) -> str:
    """A JUnit document with one suite; warnings about the whole answer are the suite's output."""
    import xml.etree.ElementTree as ET

    count = {ended: str(sum(case.ended == ended for case in cases)) for ended in (FAILURE, ERROR, SKIPPED)}
    totals = {"tests": str(len(cases)), "failures": count[FAILURE], "errors": count[ERROR], "skipped": count[SKIPPED]}
    root = ET.Element("testsuites", totals)
    suite = ET.SubElement(root, "testsuite", {"name": single_line(title), **totals})
    for case in cases:
        names = {"classname": single_line(case.group), "name": single_line(case.name)}
        element = ET.SubElement(suite, "testcase", names)
        if case.ended == PASSED:
            ET.SubElement(element, "system-out").text = case.message
        else:
            said = {"message": case.message} | ({} if case.ended == SKIPPED else {"type": case.kind})
            ET.SubElement(element, case.ended, said)
    if warnings:
        ET.SubElement(suite, "system-out").text = "\n".join(f"warning: {single_line(line)}" for line in warnings)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def annotation(level: str, title: str, message: str) -> str:
    """A workflow command of GitHub Actions: "::error title=my_quiz::NO-GO; 0.600 against 0.750"."""

    def escaped(text: str, more: str = "") -> str:
        for character in "%\r\n" + more:
            text = text.replace(character, f"%{ord(character):02X}")
        return text

    return f"::{level} title={escaped(single_line(title), ':,')}::{escaped(single_line(message))}"


def annotations(title: str, cases: Sequence[Case], warnings: Sequence[str]) -> list[str]:
    """The annotations of a gate: an error for what stops it, a warning for the rest that somebody should see."""
    levels = {FAILURE: "error", ERROR: "error", SKIPPED: "notice"}
    told = [(c, "warning" if c.kind == WAIVED else levels[c.ended]) for c in cases if c.ended in levels]
    lines = [annotation(level, f"{c.name} ({c.kind})", c.message) for c, level in told]
    lines += [annotation("warning", title, warning) for warning in warnings]
    return lines or [annotation("notice", title, f"{len(cases)} benchmarks")]


def stopped_case(error: ScriptError) -> Case:
    """The error that kept a gate from an answer, as a test case."""
    return Case("gate", "gate", ERROR, stop_reason(error), single_line(error))


def stop_reason(error: ScriptError) -> str:
    """What an error is for a program: a choice that somebody has to make, or a failure."""
    return "choose" if error.code == 3 else "failed"


def stopped_json(error: ScriptError) -> dict[str, Any]:
    """The document of --json where a choice is to be made first."""
    return {
        "schema_version": "1",
        "verdict": None,
        "exit_code": error.code,
        "reason": stop_reason(error),
        "message": str(error),
    }


def tell_github(lines: Sequence[str], summary: str) -> None:
    """Print annotations (to stderr: stdout is the answer) and add to the job's summary."""
    for line in lines:
        tell_runner(line)
    place = os.environ.get("GITHUB_STEP_SUMMARY")
    if not place:
        note("note: no GITHUB_STEP_SUMMARY: annotations alone")
        return
    try:
        with Path(place).open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(without_secrets(f"{summary.rstrip()}\n\n"))
    except OSError as error:
        raise ScriptError(f"GITHUB_STEP_SUMMARY {place}: {error.strerror}") from error
