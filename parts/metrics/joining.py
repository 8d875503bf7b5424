"""Predictions and references in two files, put together: by id, or, as plain texts without ids, by line.

Takes the bytes of both; gives JSON Lines as a predictions file has them. ScriptError with what differs for all else.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from parts.frame import ScriptError, command_line_of, listing, note, plural
from parts.inputs import MAX_SAMPLES, NO_FIELD, check_columns, input_bytes, sheet_lines, strict_json, strict_json_line
from parts.metrics.code_files import rows_of_document
from parts.metrics.columns import BY_PLACE, is_table, object_in, renamed
from parts.metrics.items import name_of
from parts.metrics.line_pairs import by_ids, check_places
from parts.metrics.vocabulary import Columns

OF_REFERENCES = ("reference", "references")
# What is read of an answer, or of what was found of it: never from the file of references.
ANSWER_WORDS = (
    "prediction probability probabilities score passed n ranked ratings rating winner preference output_a output_b "
    "statistics attempt attempts scored attempt_values numerator denominator limit_hit confidence outcome"
)
NEVER_OF_REFERENCES = frozenset(ANSWER_WORDS.split())


def joined_files(predictions: Path, content: bytes, references: Path, columns: Columns) -> tuple[bytes, bytes, Columns]:
    """(JSON Lines of both, the references' bytes, the columns with what --map says done). Of references it is about
    their file, of all else but the id about the predictions'."""
    judged = input_bytes(references, MAX_SAMPLES)
    ours, theirs = (file_texts(path, data) for path, data in ((predictions, content), (references, judged)))
    if (ours is None) != (theirs is None):
        kinds = ["plain lines" if texts is not None else "rows" for texts in (ours, theirs)]
        raise ScriptError(
            f"{kinds[0]}, and {references} has {kinds[1]}: both as plain lines of equal count, or both with an id"
        )
    if ours is not None:
        rows = rows_of_lines(ours, theirs, references, columns)
    else:
        own = {ours: theirs for ours, theirs in columns.mapped.items() if ours not in OF_REFERENCES}
        more = {ours: columns.mapped[ours] for ours in ("id", *OF_REFERENCES) if ours in columns.mapped}
        rows = by_id(
            [renamed(row, own) for row in file_rows(predictions, content, columns)],
            [renamed(row, more) for row in file_rows(references, judged, columns)],
            references,
            columns,
        )
    done = {role: name for role, name in columns.mapped.items() if name == NO_FIELD and (role != "id" or ours is None)}
    command = with_map(columns, columns.mapped)
    text = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    return text.encode(), judged, columns._replace(mapped=done, command=command)


def with_map(columns: Columns, mapped: Mapping[str, str]) -> str:
    """The command with what --map says."""
    words = [f"{ours}={theirs}" for ours, theirs in mapped.items()]
    return f"{columns.command} {command_line_of(['--map', *words])}" if words else columns.command


def rows_of_lines(
    ours: Sequence[str], theirs: Sequence[str], references: Path, columns: Columns
) -> list[dict[str, Any]]:
    """Lines by the ids that they have in both files, which is said, else by their place where as many as the others."""

    def say(way: str) -> str:
        return with_map(columns, columns.mapped | {"id": way})

    way = columns.mapped.get("id")
    placed = way in (BY_PLACE, NO_FIELD)
    if not placed and (found := by_ids(ours, theirs, str(references), way, say)):
        one, two = found
        rows = [
            [{"id": name, field: text} for name, text in zip(side.ids, side.texts, strict=True)]
            for side, field in ((one, "prediction"), (two, "reference"))
        ]
        words = f"if they are words of the texts: {say(BY_PLACE)}"
        try:
            joined = by_id(*rows, references, columns)
        except ScriptError as error:
            raise ScriptError(f"{error}; {words}", error.code) from error
        note(f"note: lines are joined by their ids, such as {one.ids[0]}, which are no part of the texts; {words}")
        return joined
    if len(ours) != len(theirs):
        raise ScriptError(
            f"{plural(len(ours), 'line')}, and {references} has {len(theirs):,}: which belong together is not "
            "known; give both with an id (JSON Lines)"
        )
    if not placed:
        check_places(ours, theirs, str(references), say)
    pairs = zip(ours, theirs, strict=True)
    return [{"id": str(i), "prediction": a, "reference": b} for i, (a, b) in enumerate(pairs, start=1)]


def file_texts(path: Path, content: bytes) -> list[str] | None:
    """The lines of a file of plain texts, a blank one being an empty text; None for a file of rows."""
    if is_table(path) or path.suffix.lower() in (".json", ".jsonl", ".ndjson"):
        return None
    try:
        lines = content.decode("utf-8-sig").replace("\r\n", "\n").split("\n")
    except UnicodeDecodeError as error:
        raise ScriptError(f"{path}: no text in UTF-8 (byte {error.start})") from error
    first = next((line for line in lines if line.strip()), "")
    if first.lstrip().startswith("{") and isinstance(object_in(first), dict):
        return None
    return lines[:-1] if not lines[-1] else lines


def file_rows(path: Path, content: bytes, columns: Columns) -> list[dict[str, Any]]:
    """The rows of a table, a list or JSON Lines; an empty cell is absent, of a prediction what --empty-cells says."""
    at = 0
    try:
        if is_table(path):
            mark = "\t" if path.suffix.lower() == ".tsv" else ","
            table = csv.DictReader(io.StringIO(content.decode("utf-8-sig")), delimiter=mark, strict=True)
            check_columns(path, table.fieldnames or ())
            return [filled_cells(row, columns) for row in sheet_lines(table) if any(row.values())]
        if path.suffix.lower() == ".json":
            rows = list(rows_of_document(strict_json(content)))
        else:
            rows = []
            for line in content.removeprefix(b"\xef\xbb\xbf").split(b"\n"):
                at += 1
                rows += [strict_json_line(line)] if line.strip() else []
    except (ValueError, csv.Error) as error:
        raise ScriptError(f"{path}{f', line {at}' if at else ''}: {error}") from error
    if bad := next((i for i, row in enumerate(rows, start=1) if not isinstance(row, dict)), None):
        raise ScriptError(f"{path}: row {bad} is no object with an id")
    return rows


def filled_cells(row: Mapping[Any, Any], columns: Columns) -> dict[str, Any]:
    """A table's row without its empty cells, but for a prediction that is said to be empty."""
    if None in row or None in row.values():
        raise ValueError(f"a row with another number of cells than the first: {list(row.values())[:3]}")
    name = columns.mapped.get("prediction", "prediction")
    if row.get(name) == "" and columns.empty is None:
        raise ScriptError(
            f"empty cells of {name}: {columns.command} --empty-cells answer, or --empty-cells missing", code=3
        )
    kept = {column: cell for column, cell in row.items() if cell != ""}
    return kept if row.get(name) != "" else kept | {name: "" if columns.empty == "answer" else None}


def by_id(
    rows: Sequence[Mapping[str, Any]], judged: Sequence[Mapping[str, Any]], references: Path, columns: Columns
) -> list[dict[str, Any]]:
    """Each prediction's row with the fields of its reference's; ScriptError for an id of one file alone, one that
    stands twice among the references, and for a field that the files have with unlike values."""
    named = [row_names(rows, "the predictions", columns), row_names(judged, str(references), columns)]
    found = dict(zip(named[1], judged, strict=True))
    if len(found) < len(judged):
        twice = next(name for i, name in enumerate(named[1]) if name in named[1][:i])
        raise ScriptError(f"{references} has the id {twice!r} twice: which is the reference?")
    without, unused = (
        [name for name in dict.fromkeys(one) if name not in set(two)] for one, two in (named, named[::-1])
    )
    told = [f"without a reference in {references}: {len(without):,} ({listing(without, 3)})"] if without else []
    told += [f"of {references} without a prediction: {len(unused):,} ({listing(unused, 3)})"] if unused else []
    if told:
        raise ScriptError(f"not the same ids: {'; '.join(told)}: complete the one, or take them out of the other")
    made = []
    for name, row in zip(named[0], rows, strict=True):
        other = {field: value for field, value in found[name].items() if field != "id"}
        if unlike := [field for field in other if field in row and row[field] != other[field]]:
            ways = {**columns.mapped, "prediction": unlike[0], "reference": unlike[0]}
            words = command_line_of(["--map", *(f"{ours}={theirs}" for ours, theirs in ways.items())])
            raise ScriptError(
                f"{listing(unlike)}: in both files, and other values in {references}: whose is which? For instance "
                f"{columns.command} {words}",
                code=3,
            )
        if answers := sorted(field for field in other if field in NEVER_OF_REFERENCES and field not in row):
            words = command_line_of(["--map", "prediction=COLUMN"])
            raise ScriptError(
                f"{listing(answers)}: in {references} alone, which is of references: what a model answered is to be in "
                f"its own file. Is it called otherwise there ({listing(sorted(row), 6)}): {columns.command} {words}; "
                f"else take {listing(answers)} out of {references}",
                code=3,
            )
        row = {**other, **row}
        if "prediction" in row and "reference" in row:
            one, two = row["prediction"], row["reference"]
            row |= {"prediction": number_like(one, two), "reference": number_like(two, one)}
        made.append(row)
    return made


def number_like(value: Any, other: Any) -> Any:
    """A text, as tables have all, as a number where it is held against one: "1.0" beside 1."""
    if not isinstance(value, str) or isinstance(other, bool) or not isinstance(other, int | float):
        return value
    found = object_in(value.strip())
    return found if isinstance(found, int | float) and not isinstance(found, bool) else value


def row_names(rows: Sequence[Mapping[str, Any]], whose: str, columns: Columns) -> list[str]:
    """The ids of rows; ScriptError (3) where there are none, with the columns that there are."""
    if lost := next((i for i, row in enumerate(rows, start=1) if "id" not in row), None):
        names = list(dict.fromkeys(str(name) for row in rows for name in row))
        there = f"row {lost} of {whose} has no id; its columns are {listing(names, 12)}"
        raise ScriptError(f"{there}: say which is the id: {columns.command} --map id=COLUMN", code=3)
    try:
        return [name_of(row["id"], "id") for row in rows]
    except ValueError as error:
        raise ScriptError(f"{whose}: {error}") from error
