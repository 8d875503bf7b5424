"""Retrieval runs and judgements as TREC has them, and listening tests as webMUSHRA writes them.

Takes the texts of files; gives rows as a predictions file has them. ScriptError or ValueError for what is neither.
"""

from __future__ import annotations

import contextlib
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from parts.frame import ScriptError, listing, note, single_line
from parts.metrics.vocabulary import Choices, Line

UPSIDE_DOWN = 0.9  # share of neighbours in rank whose scores rise, from which on a run is upside down
WEBMUSHRA = {"item": "trial_id", "rater": "session_uuid", "system": "rating_stimulus", "rating": "rating_score"}


def trec_columns(text: str, what: str, wanted: int) -> list[tuple[int, list[str]]]:
    """(number, columns) of the lines; ScriptError for one with another number of columns."""
    found = [(i, line.split()) for i, line in enumerate(text.splitlines(), start=1) if line.strip()]
    for i, columns in found:
        if len(columns) != wanted:
            raise ScriptError(f"{what}, line {i}: {wanted} columns are expected: {single_line(' '.join(columns))[:60]}")
    return found


def trec_number(text: str, what: str, line: int) -> float:
    """A finite number of a column."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ScriptError(f"{what}, line {line}: {single_line(text)[:40]!r} is no number")
    return value


def trec_rows(run: str, judged: str) -> list[dict[str, Any]]:
    """A row for each judged query: its documents from the highest score down, equal ones by name from the last (as
    trec_eval orders them), and the grades. Of a judged query that the run lacks nobody knows whether it found nothing
    or was never asked: `ranked` is None. A query that is not judged is left out."""
    grades: dict[str, dict[str, float]] = {}
    for i, (query, _, document, grade) in trec_columns(judged, "the judgements", 4):
        own = grades.setdefault(query, {})
        if document in own:
            raise ScriptError(f"the judgements, line {i}: {query} {document} is judged twice")
        own[document] = max(0.0, trec_number(grade, "the judgements", i))
    found: dict[str, dict[str, float]] = {}
    places: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for i, (query, _, document, rank, score, _) in trec_columns(run, "the run", 6):
        own = found.setdefault(query, {})
        if document in own:
            raise ScriptError(f"the run, line {i}: {query} has {document} twice")
        own[document] = trec_number(score, "the run", i)
        with contextlib.suppress(ValueError):
            places[query].append((float(rank), own[document]))
    check_ranks(places)
    if not set(grades) & set(found):
        raise ScriptError("the run has none of the judged queries")
    rows = []
    for query, relevant in grades.items():
        scores = found.get(query, {})
        ranked = sorted(scores, key=lambda name, scores=scores: (scores[name], name), reverse=True)
        rows.append({"id": query, "ranked": ranked or None, "relevant": relevant})
    return rows


def check_ranks(places: Mapping[str, Sequence[tuple[float, float]]]) -> None:
    """ScriptError where nearly all scores of a run rise from rank to rank, as distances do; takes (rank, score) pairs.
    As trec_eval does, documents are ordered by score; ranks that say nothing (all 0) contradict none."""
    near = [(a[1], b[1]) for own in places.values() for a, b in pairwise(sorted(own)) if a[0] < b[0] and a[1] != b[1]]
    rising = sum(one < two for one, two in near)
    found = f"the run's scores contradict its ranks: {rising:,} of {len(near):,} rise with the rank"
    if near and rising >= UPSIDE_DOWN * len(near):
        raise ScriptError(
            f"{found}, and documents are ordered by score, the highest first. If they are distances, negate them: "
            "awk '{$5 = -$5} 1' RUN > negated.run; if the ranks are wrong, write 0 for each"
        )
    if rising > (1 - UPSIDE_DOWN) * len(near):
        note(f"note: {found}; the scores count, as in trec_eval")


def absent_notes(lines: Sequence[Line], choices: Choices) -> list[str]:
    """What is said of judged queries that a run lacks."""
    absent = [line.id for line in lines if line.fields["ranked"] is None]
    if not absent:
        return []
    found = f"{len(absent)} of {len(lines)} judged queries are not in the run ({listing(absent, 5)})"
    if choices.unparsed_as_wrong:
        return [f"{found}: counted as 0"]
    way = "where the run was asked them and found nothing, --unparsed-as-wrong counts them as 0 (trec_eval -c)"
    return [f"{found}: the score is of the others; complete the run, or {way}"]


def listening_row(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """A row of webMUSHRA's CSV in the words of a predictions file, its page's time in seconds; any other as it is."""
    if not set(WEBMUSHRA.values()) <= row.keys() or {"item", "rating"} & row.keys():
        return row
    made = {name: row[theirs] for name, theirs in WEBMUSHRA.items()}
    if row.get("rating_time"):
        made["seconds"] = str(float(row["rating_time"]) / 1000)
    return made
