"""Placeholders of a model card filled with measured scores."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from parts.frame import ScriptError, nearest, number
from parts.inputs import MAX_CARD_FILE, check_card_size, input_bytes
from parts.ranking.vocabulary import Ranked
from parts.statistics.intervals import Estimate
from parts.vocabulary import MetricMapping, normalize_name

PLACEHOLDER = re.compile(r"\{RESULT(?::([^{}\r\n|]{1,80}))?\}")

# What may follow a benchmark's name in its cell without changing which benchmark it is.
SETTING = re.compile(r"\s*\((?:\d+[- ]?shots?|acc(?:uracy)?|exact match|em|pass@1|%)\)\s*$", re.IGNORECASE)
SHOTS = re.compile(r"\b(\d{1,3})[- ]?shots?\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class CardCell:
    """A table cell with a bare {RESULT}: its line (from 0), its column's header, and the row's other cells as text."""

    line: int
    column: str
    others: tuple[str, ...]


def placeholder_cells(text: str) -> tuple[list[CardCell], set[int]]:
    """The bare placeholders in a card's pipe tables, in order, one CardCell each; and the lines of its code blocks."""
    from markdown_it import MarkdownIt

    inline, references = MarkdownIt("commonmark"), {}
    tokens = MarkdownIt("commonmark").enable("table").disable("inline").parse(text.removeprefix("\ufeff"), references)
    cells: list[CardCell] = []
    code: set[int] = set()
    header: list[str] = []
    row: list[str] = []
    line = 0

    def words(source: str) -> str:
        children = inline.parseInline(source, references)[0].children or []
        return "".join(c.content for c in children if c.type in ("text", "code_inline")).strip()

    for i, token in enumerate(tokens):
        if token.type in ("fence", "code_block") and token.map:
            code.update(range(*token.map))
        elif token.type == "table_open":
            header = []
        elif token.type == "tr_open":
            row, line = [], token.map[0] if token.map else -1
        elif token.type in ("th_open", "td_open"):
            row.append(tokens[i + 1].content)
        elif token.type == "tr_close":
            header = header or column_names([words(source) for source in row])
            for j, source in enumerate(row):
                bare = [m for m in PLACEHOLDER.finditer(source) if m[1] is None]
                if bare:
                    others = tuple(words(other) for k, other in enumerate(row) if k != j)
                    cells += [CardCell(line, header[j], others)] * len(bare)
    return cells, code


def column_names(header: Sequence[str]) -> list[str]:
    """The names of a table's columns; those without a name, or with that of another column, are numbered."""
    count = Counter(header)
    numbered = [f"{name} (column {i})" if name else f"column {i}" for i, name in enumerate(header, start=1)]
    return [name if name and count[name] == 1 else other for name, other in zip(header, numbered, strict=True)]


def choose_columns(cells: Sequence[CardCell], wanted: Sequence[str]) -> set[str]:
    """The headers of the columns to fill; ScriptError(code=3) when there are several and none is named."""
    columns = list(dict.fromkeys(cell.column for cell in cells))
    named = ", ".join(repr(column) for column in columns)
    chosen = set()
    for name in wanted:
        found = [c for c in columns if c == name] or [c for c in columns if normalize_name(c) == normalize_name(name)]
        if len(found) != 1:
            raise ScriptError(f"--card-column {name!r}: the card's columns with {{RESULT}} are {named or 'none'}")
        chosen.add(found[0])
    if len(columns) > 1 and not chosen:
        raise ScriptError(
            f"{{RESULT}} stands in several columns: {named}; choose with --card-column NAME (a table with the "
            "benchmarks as columns takes {RESULT:benchmark})",
            code=3,
        )
    return chosen or set(columns)


def row_score(cell: CardCell, best: Ranked, vocabulary: MetricMapping) -> tuple[str, Estimate]:
    """(key, score) of the benchmark that a row names in any of its cells; ScriptError(code=1) saying why not."""
    keys = list(dict.fromkeys(k for t in cell.others if (k := vocabulary.key(t) or vocabulary.key(SETTING.sub("", t)))))
    exact = [key for key in keys if vocabulary.entries[key]["kind"] == "benchmark"] or keys
    shown = " | ".join(text for text in cell.others if text.strip())
    if len(exact) != 1:
        names = f"several benchmarks ({', '.join(exact)})" if exact else "no benchmark that metric_mapping.json knows"
        raise ScriptError(f"the row “{shown}” names {names}", code=1)
    score = best.score(exact[0])
    if score is None:
        raise ScriptError(f"no score for {exact[0]}, which the row “{shown}” asks for", code=1)
    shots = SHOTS.search(shown)
    if shots and score.shots is not None and score.shots != int(shots[1]):
        raise ScriptError(f"the row “{shown}” says {shots[0]}, but it was measured with {score.shots} shots", code=1)
    return exact[0], score


def keyed_value(name: str, best: Ranked, vocabulary: MetricMapping) -> str:
    """The text for {RESULT:name}; ScriptError(code=1) when there is none."""
    special = {"eval_accuracy": number(best.eval_accuracy), "checkpoint": best.checkpoint.name}
    if best.checkpoint.step is not None:
        special["step"] = str(best.checkpoint.step)
    if name.strip() in special:
        return special[name.strip()]
    key = vocabulary.key(name)
    score = best.score(key) if key else None
    if score is None:
        known = [*special, *best.scores, *best.categories]
        raise ScriptError(f"{{RESULT:{name}}} has no value{nearest(name, known)}", code=1)
    return number(score.value)


def fill_card(text: str, best: Ranked, vocabulary: MetricMapping, columns: Sequence[str] = ()) -> tuple[str, list[str]]:
    """The card with its placeholders replaced, and remarks; every other character stays.

    Raises ScriptError: code 1 when a placeholder cannot be filled or there is none, 3 when the column is a choice.
    """
    cells, code = placeholder_cells(text)
    chosen = choose_columns(cells, columns)
    waiting: dict[int, list[CardCell]] = defaultdict(list)
    for cell in reversed(cells):
        waiting[cell.line].append(cell)
    problems: list[str] = []
    remarks: list[str] = []
    filled = 0

    def value(match: re.Match[str], line: int) -> str:
        if match[1] is not None:
            return keyed_value(match[1], best, vocabulary)
        if not waiting[line]:
            if line in code:
                remarks.append(f"line {line + 1}: {{RESULT}} in a code block stays as it is")
                return match[0]
            raise ScriptError("{RESULT} stands outside a pipe table's row; write {RESULT:benchmark} there", code=1)
        cell = waiting[line].pop()
        if cell.column not in chosen:
            remarks.append(f"line {line + 1}: {{RESULT}} in column {cell.column!r} stays as it is")
            return match[0]
        key, score = row_score(cell, best, vocabulary)
        if score.unit == "proportion" and any(looks_like_percent(other) for other in cell.others):
            remarks.append(f"line {line + 1}: {key} is filled as a proportion, but its row holds percentages")
        return number(score.value)

    def replaced(match: re.Match[str], line: int) -> str:
        nonlocal filled
        try:
            new = value(match, line) if len(problems) < 5 else match[0]
        except ScriptError as error:
            problems.append(f"line {line + 1}: {error}")
            return match[0]
        filled += new != match[0]
        return new

    parts = re.split(r"(\r\n|\r|\n)", text)
    for i in range(0, len(parts), 2):
        parts[i] = PLACEHOLDER.sub(lambda match, line=i // 2: replaced(match, line), parts[i])
    if problems:
        raise ScriptError(f"the card was not filled: {'; '.join(problems)}", code=1)
    if not filled:
        raise ScriptError("the card has no {RESULT} placeholder to fill; put {RESULT} into its cells", code=1)
    return "".join(parts), remarks


def looks_like_percent(text: str) -> bool:
    """Whether a cell is a number that no proportion can be: "53.5", "46.7%"."""
    match = re.fullmatch(r"\s*(\d{1,3}(?:\.\d+)?)\s*%?\s*", text)
    return bool(match) and 1.5 < float(match[1]) <= 100


def read_card(path: Path) -> str:
    """A card's text with its line ends as they are."""
    try:
        text = input_bytes(path, MAX_CARD_FILE).decode("utf-8")
    except UnicodeDecodeError as error:
        raise ScriptError(f"--card {path}: not UTF-8 (byte {error.start}); save it as UTF-8") from error
    check_card_size(text, f"--card {path}")
    return text
