"""Rows of a file of one's own questions: what fields they have, what stands in them, what is wrong with them by line.

Takes a JSONL, JSON, CSV, TSV or parquet file and the names that --map gives; gives rows with question, choices and
answers as texts, before it is known which choices are right.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parts.frame import ScriptError, listing, note, option_words, single_line
from parts.harness.answers import LETTERS
from parts.inputs import MAX_SAMPLES, check_columns, input_bytes, input_text, sheet_lines, stored_lines, strict_json
from parts.parquet import parquet_batches

ROLES = {
    "question": ("question", "prompt", "input", "query", "instruction"),
    "choices": ("choices", "options"),
    "answer": ("answer", "label", "target", "reference", "gold", "answers", "references", "answerKey"),
    "messages": ("messages",),
    "context": ("context", "passage"),
    "id": ("id",),
}
# A choice in a field of its own: A, a, option_b, choice3.
CHOICE_FIELD = re.compile(r"(?i)(?:(?:option|choice|opt|answer)[ _-]?)?([A-Z])|(?:option|choice|opt)[ _-]?(\d{1,2})")
PROBLEMS_SHOWN = 12
MOST_QUESTION_FIELDS = 2_000
MOST_KEPT_FIELDS, LONGEST_KEPT = 20, 200  # of a file's other fields, as metadata of its items; characters
# What a sample's metadata say of its attempts and its score.
RECORDS_OWN = {"prompt_hash", "epoch", "repeat", "attempt", "attempts", "scored", "attempt_values", "statistics"}
RECORDS_OWN |= {"numerator", "denominator", "rater"}
MOST_BAD_ROWS = 10_000  # kept; a file with more is none of questions


class Problems:
    """What is wrong with a file, by line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[tuple[int, str]] = []

    def add(self, line: int, text: str) -> None:
        self.rows.append((line, text))
        if len(self.rows) >= MOST_BAD_ROWS:
            self.check()

    def without(self, items: Sequence[Any]) -> list[Any]:
        """The items of lines with which nothing is wrong."""
        lines = {line for line, _ in self.rows}
        return [item for item in items if item.line not in lines]

    def check(self) -> None:
        """ScriptError with exit code 1 when there are any; all but the first are notes."""
        rows = sorted(self.rows)
        for line, text in rows[1:PROBLEMS_SHOWN]:
            note(f"{self.path}:{line}: {text}")
        more = f" ({len(rows)} problems in all: nothing was asked)" if len(rows) > 1 else " (nothing was asked)"
        if rows:
            raise ScriptError(f"{self.path}:{rows[0][0]}: {rows[0][1]}{more}", 1)


def question_rows(path: Path, problems: Problems, mapped: Mapping[str, str]) -> list[tuple[int, dict[str, Any]]]:
    """(line, fields) of a JSONL, CSV, TSV or parquet file; the rows of parquet and of a JSON list count from 1."""
    kind = path.suffix.lower()
    if kind in (".csv", ".tsv"):
        return sheet_rows(path, problems, mapped)
    if kind == ".parquet":
        batches = list(parquet_batches(path, None))
        return [(first + place, row) for first, batch in batches for place, row in enumerate(batch.to_pylist())]
    if kind not in (".jsonl", ".ndjson", ".json"):
        raise ScriptError(f"--questions {path}: a .jsonl, .csv or .parquet file is expected")
    content = input_bytes(path, MAX_SAMPLES)
    rows: list[tuple[int, dict[str, Any]]] = []
    if content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"[":
        try:
            found = list(enumerate(strict_json(content), 1))
        except ValueError as error:
            raise ScriptError(f"{path}: not valid JSON: {single_line(error)[:200]}", 1) from error
        for line, row in found:
            rows.append((line, row)) if isinstance(row, dict) else problems.add(line, "no object in { }")
        return rows
    for line, text in enumerate(stored_lines(path, content), 1):
        if not text.strip():
            continue
        try:
            row = strict_json(text)
        except ValueError as error:
            problems.add(line, f"not valid JSON: {single_line(error)[:120]}")
            continue
        rows.append((line, row)) if isinstance(row, dict) else problems.add(line, "no object in { }")
    return rows


def csv_rows(reader: csv.DictReader[str], path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a CSV reader; ScriptError for a cell above the library's limit, too many fields and the like."""
    try:
        if len(reader.fieldnames or ()) > MOST_QUESTION_FIELDS:
            raise ScriptError(
                f"{path}:1: {len(reader.fieldnames):,} fields are more than the {MOST_QUESTION_FIELDS:,} of a table", 1
            )
        check_columns(path, reader.fieldnames)
        yield from sheet_lines(reader)
    except csv.Error as error:
        raise ScriptError(f"{path}:{reader.line_num}: {error}", 1) from error


def sheet_rows(path: Path, problems: Problems, mapped: Mapping[str, str]) -> list[tuple[int, dict[str, Any]]]:
    """The rows of a CSV or TSV file by the line where each ends; choices, and several right answers, are a JSON list,
    choices may also have their own columns. The first line tells whether fields are set apart by commas or semicolons.
    """
    text = input_text(path, MAX_SAMPLES)
    head = text.partition("\n")[0]
    mark = "\t" if path.suffix.lower() == ".tsv" else ";" if ";" in head and "," not in head else ","
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=mark, strict=True)
    lists = {*ROLES["choices"], mapped.get("choices", "")}
    texts = {*ROLES["answer"], mapped.get("answer", "")}
    rows, several = [], set()
    for row in csv_rows(reader, path):
        if None in row or None in row.values():
            problems.add(reader.line_num, f"not as many fields as the first line has ({len(reader.fieldnames)})")
            continue
        for name in [name for name in reader.fieldnames if name in lists | texts]:
            if re.match(r"\s*\[" if name in lists else r"\s*\[\s*[\"']", row[name]):
                several |= {name} & texts
                try:
                    row[name] = json.loads(row[name])
                except ValueError:
                    problems.add(reader.line_num, f'{name} is no JSON list (["a", "b"], as json.dumps writes it)')
        rows.append((reader.line_num, row))
    for name in sorted(several):
        note(f"{path.name}: a JSON list in {name} is several right answers")
    return rows


def field_names(
    path: Path, rows: Sequence[tuple[int, dict[str, Any]]], mapped: Mapping[str, str]
) -> tuple[dict[str, str], list[str]]:
    """role -> field of the file, as --map says, else the one usual name that the rows have; the fields that are kept
    as metadata."""
    known = {str(name) for _, row in rows for name in row}
    if not known & {*ROLES["choices"], mapped.get("choices", "")}:
        known = known | {"choices"} if gather_choices(rows, known) else known
    found = {}
    for role, usual in ROLES.items():
        names = [mapped[role]] if role in mapped else [name for name in usual if name in known]
        if role in mapped and mapped[role] not in known:
            raise ScriptError(f"--map {role}={mapped[role]}: {path} has no such field, but {listing(sorted(known))}", 1)
        if len(names) > 1:
            ways = " or ".join(option_words("--map", f"{role}={name}") for name in names)
            raise ScriptError(f"{path}: which field is the {role}? {ways}", 3)
        if names:
            found[role] = names[0]
    lacking = [role for role in ("question", "answer") if role not in found and "messages" not in found]
    if lacking and not known:
        raise ScriptError(f"{path}: its rows have no fields", 1)
    if lacking:
        ways = " ".join(f"{role}=FIELD" for role in lacking)
        raise ScriptError(
            f"{path}: no field is the {' and none the '.join(lacking)}: {listing(sorted(known), 8)}; say which: "
            f"--map {ways}",
            3,
        )
    unused = sorted(name for name in known - set(found.values()) if not CHOICE_FIELD.fullmatch(name))
    kept = [name for name in unused if name.strip() and all(is_short(row.get(name)) for _, row in rows)]
    kept = [name for name in kept if any(row.get(name) not in (None, "") for _, row in rows)][:MOST_KEPT_FIELDS]
    left = [name for name in unused if name not in kept]
    if kept:
        note(f"{path.name}: kept as metadata: {listing(kept, MOST_KEPT_FIELDS)}")
    if left:
        note(f"{path.name}: fields that are not used: {listing(left, 8)}")
    return found, kept


def is_short(value: Any) -> bool:
    """Whether a row's value may be kept: nothing, or a text, number or truth value that is short."""
    text = plain_value(value)
    return value is None or (text is not None and len(text) <= LONGEST_KEPT)


def kept_values(row: Mapping[str, Any], kept: Sequence[str]) -> dict[str, str]:
    """The fields of a row that are kept and have a value; a name that records use themselves gets a prefix."""
    texts = {name: (plain_value(row.get(name)) or "").strip() for name in kept}
    named = {single_line(name)[:80]: text for name, text in texts.items() if text}
    return {f"item_{name}" if name in RECORDS_OWN else name: text for name, text in named.items()}


def gather_choices(rows: Sequence[tuple[int, dict[str, Any]]], known: set[str]) -> bool:
    """Put choices that stand in fields of their own (A, B, ... or option_1, ...) into one; whether there are any."""
    names = {name: match for name in known if (match := CHOICE_FIELD.fullmatch(name))}
    labels = {name: (match[1] or match[2]).upper() for name, match in names.items()}
    if len(labels) < 2 or len(set(labels.values())) < len(labels) or not {"A", "0", "1"} & set(labels.values()):
        return False
    for _, row in rows:
        own = {labels[name]: row[name] for name in sorted(names, key=lambda name: labels[name].zfill(2)) if name in row}
        row["choices"] = {label: text for label, text in own.items() if text not in (None, "")} or None
    return True


def plain_value(value: Any) -> str | None:
    """A text, number or truth value as text; None for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float) and abs(value) < 1e300:
        return str(int(value)) if float(value).is_integer() else repr(value)
    return None


def choices_of(value: Any) -> tuple[list[str], list[str]]:
    """(letters or other labels, texts) of a row's choices: a list, {"A": text}, or {"label": [], "text": []}."""
    if isinstance(value, dict) and all(isinstance(value.get(name), list) for name in ("label", "text")):
        labels, texts = value["label"], value["text"]
    elif isinstance(value, dict):
        labels, texts = list(value), list(value.values())
    elif isinstance(value, list):
        labels, texts = list(LETTERS[: len(value)]), value
    else:
        raise ValueError("choices are no list (in CSV: a JSON list, or columns A, B, C, ...)")
    found = [plain_value(text) for text in texts]
    if len(found) < 2 or len(found) > len(LETTERS) or len(labels) != len(found):
        raise ValueError(f"{len(found)} choices: 2 to {len(LETTERS)} are expected")
    if any(text is None or not text.strip() for text in found):
        raise ValueError("an empty choice, or one that is no text")
    texts = [str(text).strip() for text in found]
    if len(set(texts)) < len(texts):
        raise ValueError(f"two choices are the same: {single_line(repr(max(texts, key=texts.count)))[:60]}")
    return [str(label).strip() for label in labels], texts


def turns_of(row: Mapping[str, Any], fields: Mapping[str, str]) -> tuple[list[tuple[str, str]], str | None]:
    """(turns up to the question, the answer that a chat's last message gives or None); a context goes before it."""
    if "question" in fields and row.get(fields["question"]) is not None:
        texts = [plain_value(row[fields[role]]) for role in ("context", "question") if row.get(fields.get(role, ""))]
        if not texts or None in texts or not str(texts[-1]).strip() or not row[fields["question"]]:
            raise ValueError("the question is empty, or no text")
        return [("user", "\n\n".join(map(str, texts)))], None
    messages = row.get(fields.get("messages", ""))
    if messages is None:
        raise ValueError("no question")
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        raise ValueError("messages are no list of objects with role and content")
    turns = [(str(message.get("role")), plain_value(message.get("content"))) for message in messages]
    answer = turns.pop()[1] if len(turns) > 1 and turns[-1][0] == "assistant" else None
    if not turns or turns[-1][0] != "user" or {role for role, _ in turns} - {"system", "user", "assistant"}:
        raise ValueError("messages have no user's message at the end (roles: system, user, assistant)")
    if any(not text or not text.strip() for _, text in turns):
        raise ValueError("a message is empty, or no text")
    return [(role, str(text)) for role, text in turns], answer


def answers_of(value: Any) -> list[str]:
    """The right answers of a row as texts: one, a list of them, or {"text": [...]}."""
    value = value.get("text") if isinstance(value, dict) else value
    found = [plain_value(part) for part in (value if isinstance(value, list) else [value])]
    if not found or any(text is None or not text.strip() for text in found):
        raise ValueError("no answer" if value in (None, "", []) else "an answer is empty, or no text")
    return [str(text).strip() for text in found]


@dataclass(frozen=True)
class Read:
    """A row before its answers are resolved."""

    line: int
    id: str | None
    turns: tuple[tuple[str, str], ...]
    labels: tuple[str, ...]
    choices: tuple[str, ...]
    answers: tuple[str, ...]
    context: str
    metadata: Mapping[str, str]


def read_row(line: int, row: Mapping[str, Any], fields: Mapping[str, str], kept: Sequence[str]) -> Read:
    """ValueError when a part of it is missing, empty or of a form that is not known."""
    turns, answer = turns_of(row, fields)
    value = row.get(fields["answer"]) if "answer" in fields else None
    value = answer if value is None else value
    choices = row.get(fields.get("choices", ""))
    labels, texts = ([], []) if choices is None or choices == "" else choices_of(choices)
    name = (plain_value(row.get(fields.get("id", ""))) or "").strip() or None
    context = plain_value(row.get(fields.get("context", ""))) or ""
    answers, metadata = tuple(answers_of(value)), kept_values(row, kept)
    return Read(line, name, tuple(turns), tuple(labels), tuple(texts), answers, context, metadata)
