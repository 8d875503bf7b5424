"""The answer about a card: scores, refusals, tables as JSON and text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from parts.cards.labels import Vocabulary
from parts.cards.model_names import ModelName
from parts.cards.reading import Choice, Reader
from parts.cards.vocabulary import Block, Card, Reading
from parts.metadata.entries import Score
from parts.vocabulary import normalize_name

WARN_COLUMNS = 40  # columns that inspect-tables prints; --json has all


@dataclass(slots=True)
class Extraction:
    """What extract-readme answers: readings of all tables, the results taken, and what keeps it from being sure."""

    repo_id: str
    readings: list[Reading]
    results: list[Score] = field(default_factory=list)
    code: int = 0
    message: str = ""

    def conflicts(self) -> list[dict[str, Any]]:
        """Different values for one benchmark, metric and shots."""
        by_name: dict[tuple[str, str, str], list[Score]] = {}
        for score in self.results:
            name = normalize_name(score.benchmark)
            by_name.setdefault(
                (name, normalize_name(score.metric or ""), normalize_name(score.shots or "")), []
            ).append(score)
        found = []
        for scores in by_name.values():
            if len({score.value for score in scores}) > 1:
                first = scores[0]
                places = [{"table": s.table, "row": s.row, "column": s.column, "value": s.value} for s in scores]
                found.append(
                    {"benchmark": first.benchmark, "metric": first.metric, "shots": first.shots, "values": places}
                )
        return found

    def as_json(self) -> dict[str, Any]:
        return {
            "repo_id": self.repo_id,
            "tables": [table_json(reading) for reading in self.readings],
            "results": [score.as_json() for score in self.results],
            "conflicts": self.conflicts(),
        }


def read_tables(card: Card, repo_id: str, vocabulary: Vocabulary, choices: dict[int, Choice]) -> list[Reading]:
    model = ModelName.of(repo_id)
    return [Reader(table, model, card, vocabulary, choices.get(table.number, Choice())).read() for table in card.tables]


def extract(readings: list[Reading], repo_id: str, numbers: Sequence[int], every: bool, again: str) -> Extraction:
    """Decide which tables' scores are taken; `again` is the command line to repeat with a choice added."""
    found = [reading for reading in readings if reading.status == "found" and reading.scores]
    unsure = [reading for reading in readings if reading.status == "ambiguous"]
    answer = Extraction(repo_id, readings)
    if numbers:
        wrong = [r for r in readings if r.table.number in numbers and r not in found]
        if wrong:
            answer.code, answer.message = refusal(wrong, repo_id, again)
        else:
            answer.results = [score for r in found if r.table.number in numbers for score in r.scores]
    elif every or (len(found) + len(unsure) == 1 and found):
        answer.results = [score for reading in found for score in reading.scores]
        if unsure:
            answer.code, answer.message = refusal(unsure, repo_id, again)
        elif not found:
            answer.code, answer.message = 1, nothing_found(readings, repo_id, again)
    elif not found and not unsure:
        answer.code, answer.message = 1, nothing_found(readings, repo_id, again)
    elif len(found) + len(unsure) > 1:
        lines = [f"  {describe(reading)}" for reading in sorted(found + unsure, key=lambda r: r.table.number)]
        numbers = [reading.table.number for reading in found or unsure]
        answer.code = 3
        answer.message = f"{len(lines)} tables have {repo_id}:\n" + "\n".join(lines)
        answer.message += f"\nchoose: {again} --table {numbers[0]}\nor all:  {again} --all-tables"
    else:
        answer.code, answer.message = refusal(unsure, repo_id, again)
    return answer


def describe(reading: Reading) -> str:
    table = reading.table
    target = " | ".join(f"{t.axis} {t.index} '{t.text}'" for t in reading.targets) or "this model only"
    return f"table {table.number} under '{table.heading or '-'}': {target}; {len(reading.scores)} scores"


def refusal(readings: list[Reading], repo_id: str, again: str) -> tuple[int, str]:
    """Why a table's scores are not taken: no evaluation table or model absent (1), several candidates (3)."""
    lines, code = [], 1
    for reading in readings:
        number = reading.table.number
        if reading.status == "ambiguous":
            code = 3
            lines.append(f"table {number}: several fit {repo_id}, and none is taken:")
            lines += [
                f"  {t.axis} {t.index}: '{t.text}' ({t.fit.rule or t.place[1] or 'same text'})" for t in reading.targets
            ]
            first = reading.targets[0]
            lines.append(f"choose: {again} --table {number} --model-{first.axis}-index {first.index}")
        elif reading.status == "skipped":
            lines.append(
                f"table {number} is no evaluation table: {reading.reason} (--force-table takes it all the same)"
            )
        elif reading.status == "found":
            lines.append(f"table {number}: {repo_id} is there, without a score")
        else:
            lines.append(
                f"table {number}: {repo_id} is not in it; it has: {', '.join(reading.names[:40]) or 'no names'}"
            )
    return code, "\n".join(lines)


def nothing_found(readings: list[Reading], repo_id: str, again: str) -> str:
    tables = [reading for reading in readings if reading.evaluation]
    if not readings:
        return f"the card of {repo_id} has no tables"
    if not tables:
        look = again.replace("extract-readme", "inspect-tables")
        return f"none of the {len(readings)} tables is an evaluation table; see: {look}"
    lines = [f"  table {r.table.number}: {', '.join(r.names[:40]) or 'no names'}" for r in tables]
    return f"{repo_id} is in none of the {len(tables)} evaluation tables; they have:\n" + "\n".join(lines)


def table_json(reading: Reading) -> dict[str, Any]:
    """One table as inspect-tables and extract-readme give it."""
    table, blocks = reading.table, reading.blocks
    block = blocks[0] if blocks else Block([], [])
    return {
        "table": table.number,
        "kind": table.kind,
        "heading": table.heading,
        "rows": len(table.rows) - table.head,
        "columns": table.width,
        "header_rows": table.head,
        "evaluation": reading.evaluation,
        "reason": reading.reason,
        "orientation": reading.orientation,
        "status": reading.status,
        "rule": reading.rule or None,
        "targets": [{"axis": t.axis, "index": t.index, "text": t.text, "rule": t.fit.rule} for t in reading.targets],
        "names": reading.names,
        "header": [
            {"index": i, "text": " / ".join(path), "role": role}
            for i, (path, role) in enumerate(zip(block.paths, block.roles, strict=True))
        ],
        "sample_rows": [[" ".join(cell.text.split()) for cell in table.rows[row]] for row in block.body[:3]],
        "scores": len(reading.scores),
    }


def next_command(reading: Reading, again: str) -> str:
    number = reading.table.number
    if reading.status == "found":
        return f"{again} --table {number} --json"
    if reading.status == "ambiguous":
        return f"{again} --table {number} --model-{reading.targets[0].axis}-index {reading.targets[0].index}"
    if reading.status == "absent" and reading.orientation != "single-model":
        names = ", ".join(reading.names[:10])
        return f"{again} --table {number} --model-name-override NAME   # only if one of these is this model: {names}"
    return f"{again} --table {number} --force-table   # only if it is an evaluation table"


def render_tables(readings: list[Reading], repo_id: str, again: str) -> list[Any]:
    """The tables of a card, as parts for a terminal or a pipe."""
    from rich.table import Table as RichTable
    from rich.text import Text

    parts: list[Any] = [f"{repo_id}: {len(readings)} table{'s' if len(readings) != 1 else ''}"]
    for reading in readings:
        data = table_json(reading)
        verdict = "evaluation" if reading.evaluation else "no evaluation"
        lines = [
            f"\ntable {data['table']} ({data['kind']}) under {data['heading'] or '-'}: "
            f"{data['rows']} rows, {data['columns']} columns",
            f"  {verdict}: {data['reason']}" + (f"; {data['orientation']}" if data["orientation"] else ""),
            f"  this model: {data['status']}"
            + "".join(f"; {t['axis']} {t['index']} '{t['text']}' ({t['rule']})" for t in data["targets"]),
        ]
        parts.append("\n".join(lines))
        grid = RichTable(show_lines=False, box=None, padding=(0, 1))
        for column in data["header"][:WARN_COLUMNS]:
            grid.add_column(Text(f"{column['index']} {column['text'][:40] or '-'} [{column['role']}]"), overflow="fold")
        for row in data["sample_rows"]:
            grid.add_row(*(Text(text[:40]) for text in row[:WARN_COLUMNS]))
        more = sum(len(block.body) for block in reading.blocks) - len(data["sample_rows"])
        parts += [grid, *([f" … and {more} more rows"] if more > 0 else []), f"  next: {next_command(reading, again)}"]
    return parts
