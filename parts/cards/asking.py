"""Readings of a card -> the answer: results, what is asked and how to answer it, a selection to edit, tables shown.

Takes Readings, gives an Extraction (results, exit code, message, JSON) and texts for people. A selection that answers
what is asked stands in every refusal.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from parts.cards.labels import Vocabulary
from parts.cards.model_names import Fit, ModelName, is_role, may_mean
from parts.cards.reading import Reader, TableReading, Target, is_loose
from parts.cards.scores import OpenCell, Pick, Taken
from parts.cards.tables import Card, card_body, one_line, uncollected
from parts.frame import listing, single_line
from parts.metadata.entries import Score
from parts.outgoing import isolated

MAX_SHOWN_ROWS = 200  # of a table in inspect-tables
MAX_SHOWN_COLUMNS = 40
MAX_SHOWN_TEXT = 300  # characters of a cell
LEFT_OUT = "left out by hand"
MAX_DOUBTS = 4  # reasons that a refusal gives
MAX_MEASURES = 20  # lines that ask what single cells measure


def card_hash(card: Card) -> str:
    """What tells the state of a card's tables: the SHA-256 of its text behind the front matter, which results go to."""
    return hashlib.sha256(card_body(card.text).lstrip("\r\n").encode("utf-8", "surrogatepass")).hexdigest()


def card_hashes(card: Card) -> tuple[str, ...]:
    """The hashes that a selection may give: that of the body, and that of the whole text, as older ones do."""
    return card_hash(card), hashlib.sha256(card.text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(slots=True)
class Extraction:
    """What extract-readme answers: readings of all tables, the results taken, and what keeps it from being sure."""

    repo_id: str
    readings: list[TableReading]
    card_sha256: str = ""
    results: list[Score] = field(default_factory=list)
    code: int = 0
    message: str = ""
    numbers: Sequence[int] = ()  # of the tables that were asked for; none: all

    def conflicts(self) -> list[dict[str, Any]]:
        """Different values for one benchmark, metric, shots and mode, with the headings that may tell them apart."""
        by_name: dict[tuple[str, ...], list[Score]] = {}
        for score in self.results:
            by_name.setdefault(score.place(), []).append(score)
        found = []
        for scores in by_name.values():
            if len({score.value for score in scores}) > 1:
                named = {name: getattr(scores[0], name) for name in ("benchmark", "metric", "shots", "notes")}
                keys = ("table", "row", "column", "value", "heading", "group")
                found.append({**named, "values": [{key: getattr(s, key) for key in keys} for s in scores]})
        return found

    def by_hand(self) -> list[str]:
        return [place for reading in self.readings for place in reading.by_hand]

    def remarks(self) -> list[str]:
        return [text for reading in self.readings for text in reading.remarks]

    def account(self) -> list[str]:
        """What was read and what was not, table by table: a line for each kind of answer."""
        wanted = [r for r in self.readings if not self.numbers or r.table.number in self.numbers]
        read = [f"table {r.table.number} ({len(r.scores)})" for r in wanted if r.status == "found"]
        by_hand = [r for r in self.readings if r.status == "absent" and r.reason == LEFT_OUT]
        absent = [r for r in self.readings if r.status == "absent" and r.reason != LEFT_OUT]
        kinds = {
            "read": read,
            "given once although repeated": [f"{n} results"] if (n := sum(len(s.also) for s in self.results)) else [],
            "the value was read, what stands behind ± was not (stderr or interval is for the card to say)": [
                listing(
                    f"{s.benchmark} {s.raw}" for s in self.results if re.search(r"±|∓|\+/-|\+-|\\pm|&plusmn;", s.raw)
                )
            ],
            "not taken, although its name is in the label": [text for r in wanted for text in r.beside],
            "left out as no scores": [text for r in wanted if r.status == "found" for text in r.taken.left_out[:3]],
            "not this model's by their labels": [f"table {r.table.number} ({listing(r.names)})" for r in absent],
            LEFT_OUT: [f"table {r.table.number}" for r in by_hand],
            "not asked for": [
                f"table {r.table.number} ({'unsure' if r.status == 'ambiguous' else len(r.scores)})"
                for r in self.readings
                if r not in wanted and r.status in ("found", "ambiguous")
            ],
            "no evaluation": [f"table {r.table.number}" for r in self.readings if r.status == "skipped"],
        }
        return [f"{kind}: {'; '.join(items)}" for kind, items in kinds.items() if any(items)]

    def as_json(self) -> dict[str, Any]:
        answer = {
            "repo_id": self.repo_id,
            "tables": [table_json(reading) for reading in self.readings],
            "results": [score.as_json() for score in self.results],
            "conflicts": self.conflicts(),
            "card_sha256": self.card_sha256,
            "selected_by_hand": self.by_hand(),
            "warnings": self.remarks(),
            "account": self.account(),
        }
        return answer | ({"reason": self.message} if self.code else {})


@uncollected
def read_tables(
    card: Card,
    repo_id: str,
    vocabulary: Vocabulary,
    picks: Mapping[int, Sequence[Pick]] | None = None,
    forced: Sequence[int] = (),
) -> list[TableReading]:
    """One reading for each table; `picks` by table are read as they say, `forced` tables are evaluations."""
    model, readings = ModelName.of(repo_id), []
    loose = functools.cache(lambda: is_loose(card, model))
    for table in card.tables:
        reader = Reader(table, model, card, vocabulary, loose)
        chosen = list((picks or {}).get(table.number, ()))
        if any(pick.nothing for pick in chosen):
            reading = reader.read()
            reading.status, reading.taken, reading.doubts, reading.reason = "absent", Taken(), [], LEFT_OUT
        else:
            reading = reader.read_by_hand(chosen) if chosen else reader.read(table.number in forced)
        readings.append(reading)
    return readings


def extract(
    readings: list[TableReading], repo_id: str, numbers: Sequence[int], every: bool, again: str, card_sha256: str = ""
) -> Extraction:
    """Decide which tables' scores are taken; `again` is the command line to repeat with a choice added.

    A table that is unsure never keeps the scores of others back: it is left out, named, and the code is 3.
    """
    answer = Extraction(repo_id, readings, card_sha256, numbers=numbers)
    wanted = [r for r in readings if r.table.number in numbers] if numbers else readings
    found = [r for r in wanted if r.status == "found" and (r.scores or r.open_cells)]
    unsure = [r for r in wanted if r.status == "ambiguous" or (r.status == "found" and r.open_cells)]
    refused = [r for r in wanted if r not in found and r not in unsure] if numbers else []
    if not numbers and not every and len(found) > 1:
        lines = [f"  {describe(r)}" for r in readings if r in found or r in unsure]
        answer.code, answer.message = 3, f"{len(lines)} tables have {repo_id}:\n" + "\n".join(lines)
        answer.message += f"\nchoose: {again} --table {found[0].table.number}\nor all:  {again} --all-tables"
        answer.message += f"\n{question(unsure, again)}" if unsure else ""
        return answer
    answer.results = [score for reading in found for score in reading.scores]
    conflicts = answer.conflicts()
    answer.results = given_once(answer.results)
    if unsure:
        answer.code, answer.message = 3, question(unsure, f"{again} --all-tables" if every else again)
    elif refused:
        answer.code = 3 if answer.results else 1
    elif not found and (near := near_misses(readings, ModelName.of(repo_id))):
        said = f"{repo_id} is in none of the tables by its name; these labels may be other words for it"
        answer.code, answer.message = 3, f"{said}\n{question(near, f'{again} --all-tables' if every else again)}"
    elif not found:
        answer.code, answer.message = 1, nothing_found(readings, repo_id, again)
    if refused:
        answer.message += "\n" * bool(answer.message) + "\n".join(refusal(r, repo_id) for r in refused)
    if conflicts:
        answer.code = 3
        answer.message += "\n" * bool(answer.message) + "\n".join(map(conflict_text, conflicts))
    return answer


def given_once(scores: Sequence[Score]) -> list[Score]:
    """The scores, where several say the same of the same thing the first alone: `also` says where the others stand."""
    seen: dict[tuple[Any, ...], Score] = {}
    for score in scores:
        first = seen.setdefault((*score.place(), score.value, score.unit), score)
        if first is not score:
            first.also.append({"table": score.table, "row": score.row, "column": score.column})
    return list(seen.values())


def near_misses(readings: Sequence[TableReading], model: ModelName) -> list[TableReading]:
    """Tables whose labels may be the model under another name, each with these labels as its targets."""
    found = []
    for reading in readings:
        possible = reading.possible if reading.evaluation and reading.reason != LEFT_OUT else []
        named = [target for target in possible if may_mean(target.text, model) or is_role(target.text)]
        if named:
            asked = [dataclasses.replace(t, fit=Fit(False, "if it is this model"), ready=False) for t in named]
            doubts = [f"'{t.text}' is not its name, and may be meant" for t in named[:MAX_DOUBTS]]
            found.append(dataclasses.replace(reading, status="ambiguous", targets=asked, doubts=doubts))
    return found


def conflict_text(conflict: Mapping[str, Any]) -> str:
    """ "MMLU: 61.2 (table 1, 'Base'), 63.9 (table 2, 'Chat'): which is it?" and what can be done about it."""
    values = ", ".join(
        f"{v['value']:g} (table {v['table']} under '{v['heading'] or '-'}'"
        + (f", {v['group']}" if v["group"] else "")
        + ")"
        for v in conflict["values"]
    )
    name = " ".join(filter(None, (conflict["benchmark"], conflict["metric"], conflict["shots"], conflict["notes"])))
    how = "take one table with --table N, or tell them apart with `notes:` or `benchmark:` in a selection"
    return f"conflict: {name} has different values: {values}; {how}"


def place_of(reading: TableReading) -> str:
    """ "table 2 under 'Base model > Standard benchmarks'": a heading alone may not say it."""
    headings = reading.table.headings[: max(1, min(3, len(reading.table.headings) - 1))]
    return f"table {reading.table.number} under '{' > '.join(reversed(headings)) or '-'}'"


def describe(reading: TableReading) -> str:
    target = " | ".join(f"{t.axis} {t.index} '{t.text}'" for t in reading.targets) or "this model only"
    said = f"{len(reading.scores)} scores" if reading.status == "found" else f"asked: {'; '.join(reading.doubts)}"
    return f"{place_of(reading)}: {target}; {said}"


def selection_line(table: int, target: Target, more: Mapping[str, Any] | None = None) -> str:
    """A reading as one line of a selection: `- {table: 2, column: 3, label: "Foo"}`."""
    entry = {"table": table, target.axis: target.index, "label": target.text, **target.more, **(more or {})}
    return f"- {in_flow(entry)}"


def in_flow(value: Any) -> str:
    """A value as YAML in one piece."""
    if isinstance(value, Mapping):
        inner = (f"{key if isinstance(key, int) else in_key(key)}: {in_flow(item)}" for key, item in value.items())
        return "{" + ", ".join(inner) + "}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(in_flow, value))}]"
    return json.dumps(value, ensure_ascii=False)


def in_key(key: str) -> str:
    return key if key.isidentifier() else json.dumps(key, ensure_ascii=False)


def choices(reading: TableReading) -> Iterator[str]:
    """Lines of a selection that would read a table: as they are when all that they read may be this model's, else as a
    comment to complete."""
    number = reading.table.number
    for target in reading.targets:
        cells = [cell for cell in reading.open_cells if is_of(cell, target)]
        if reading.text_doubt and not cells:
            would = [score for score in reading.would if is_of(score, target)]
            if not reading.speaks_of_less:  # values of an error rate are no plain scores
                read_as = f", as {reading.reader.read_as(would)}" if would and reading.reader else ""
                yield f"# {selection_line(number, target)}  # if these are plain scores of this model{read_as}"
            yield f"# {selection_line(number, target, {'metric': '…'})}  # with what is measured in place of …"
        elif reading.status == "ambiguous" and not cells:
            ready = target.ready and not target.fit.why.startswith("adds ")  # "Foo-7B-Base" is for people to say
            yield f"{'' if ready else '# '}{selection_line(number, target)}  # {target.fit.why}"
        if not cells:
            continue
        axis = "column" if target.axis == "row" else "row"
        named = {getattr(cell, axis): ["…"] * cell.values if cell.values > 1 else "…" for cell in cells if cell.values}
        measured = [cell for cell in cells if cell.measure]
        for cell in measured[:MAX_MEASURES]:
            only = {f"{axis}s": [getattr(cell, axis)], "metric": "…"}
            line = selection_line(number, target, only)
            yield f"# {line}  # '{cell.label[:60]}', with what is measured in place of …"
        for cell in [cell for cell in cells if "`unit:`" in cell.why][:MAX_MEASURES]:
            only = {f"{axis}s": [getattr(cell, axis)], "unit": "proportion"}
            line = selection_line(number, target, only)
            yield f"# {line}  # or unit: percent, and the last of these lines for the other cells"
        named = {place: name for place, name in named.items() if place not in {getattr(c, axis) for c in measured}}
        if named:
            names = {"benchmark": {**target.more.get("benchmark", {}), **named}}
            yield f"# {selection_line(number, target, names)}  # with the names of the values in place of …"
        if any(cell.first for cell in cells):
            line = selection_line(number, target, {"first_number": True})
            yield f"# {line}  # if the first number of each cell is meant"
        kept = [place for place in target.more.get("leave_out", []) if isinstance(place, int | str)]
        left = {"leave_out": [*kept, *(getattr(cell, axis) for cell in cells)]}
        if not any(key in target.more for key in ("rows", "columns")):
            yield f"# {selection_line(number, target, left)}  # without these cells"


def is_of(cell: OpenCell | Score, target: Target) -> bool:
    return (cell.row if target.axis == "row" else cell.column) == target.index


def question(readings: Sequence[TableReading], again: str) -> str:
    """What is unsure about tables, and the lines of a selection that would read each candidate."""
    lines, offered = [], [line for reading in readings for line in choices(reading)]
    for reading in readings:
        if reading.status == "ambiguous":
            doubts = reading.doubts[:MAX_DOUBTS]
            more = (
                f"; and {len(reading.doubts) - len(doubts)} more reasons" if len(reading.doubts) > len(doubts) else ""
            )
            lines.append(f"{place_of(reading)} is not taken: {'; '.join(doubts)}{more}")
            lines += [f"  its labels: {listing(labels)}"] if (labels := unready_labels(reading)) else []
        for cell in reading.open_cells:
            where = f"{place_of(reading)}, row {cell.row}, column {cell.column} '{cell.label}'"
            lines.append(f"{where}: '{cell.text}' is left out: {cell.why}")
    how = (
        "keep the right ones of these lines"
        if any(line.startswith("-") for line in offered)
        else "complete a line, take its # off"
    )
    none = f"- {{table: {readings[0].table.number}, leave_out: all}}"
    lines.append(f"{how} (of a table that is not this model's: {none}), and go on with:")
    lines.append(f"{again} --selection FILE   (- reads it from a pipe)")
    return "\n".join([*lines, "readings:", *offered])


def unready_labels(reading: TableReading) -> list[str]:
    """The labels beside the values of a table whose rows may be models."""
    if all(target.ready for target in reading.targets):
        return []
    return list(dict.fromkeys(reading.grid.texts("benchmark", "text", "group", "setting")))


def refusal(reading: TableReading, repo_id: str) -> str:
    """Why nothing of a table that was asked for is taken."""
    number = reading.table.number
    if reading.status == "skipped":
        return f"table {number} is no evaluation table: {reading.reason} (--force-table takes it all the same)"
    if reading.status == "found":
        return f"table {number}: {repo_id} is there, without a score"
    names = ", ".join(reading.names[:40]) or "no names"
    return f"table {number}: {repo_id} is not in it; it has: {names}"


def nothing_found(readings: list[TableReading], repo_id: str, again: str) -> str:
    tables = [reading for reading in readings if reading.evaluation]
    if tables and all(reading.reason == LEFT_OUT for reading in tables):
        return f"nothing of the card is {repo_id}'s: its tables are {LEFT_OUT}"
    look = again.replace("extract-readme", "inspect-tables")
    if not readings:
        return f"the card of {repo_id} has no tables"
    if not tables:
        return f"none of the {len(readings)} tables is an evaluation table; see: {look}"
    lines = [f"  table {r.table.number}: {', '.join(r.names[:40]) or 'no names'}" for r in tables]
    text = f"{repo_id} is in none of the {len(tables)} evaluation tables; they have:\n" + "\n".join(lines)
    return f"{text}\nif one of these is this model: {look} --draft, and --selection FILE"


def table_json(reading: TableReading, whole: bool = False) -> dict[str, Any]:
    """One table as inspect-tables (whole) and extract-readme give it."""
    table, blocks = reading.table, reading.grid.blocks
    data = {
        "table": table.number,
        "kind": table.kind,
        "heading": table.heading,
        "headings": list(reversed(table.headings)),
        "rows": len(table.rows) - table.head,
        "columns": table.width,
        "header_rows": table.head,
        "evaluation": reading.evaluation,
        "reason": reading.reason,
        "orientation": reading.orientation,
        "status": reading.status,
        "unsure": reading.doubts,
        "targets": [target_json(table.number, t) for t in reading.targets],
        "names": reading.names,
        "open_cells": [
            {"row": c.row, "column": c.column, "label": c.label, "text": c.text, "why": c.why}
            for c in reading.open_cells
        ],
        "left_out": [*reading.beside, *reading.taken.left_out],
        "scores": len(reading.scores),
    }
    if not whole:
        return data
    shown = table.rows[:MAX_SHOWN_ROWS]
    heads = blocks[0] if blocks else None
    return data | {
        "caption": table.caption or None,
        "before": table.before or None,
        "after": table.after or None,
        "above": [
            {"heading": heading, "text": one_line(text)}
            for heading, told in zip(table.headings, table.told, strict=False)
            for text in told
            if one_line(text) not in (table.before, table.after)
        ],
        "header": [
            {"index": i, "path": list(path), "holds": role}
            for i, (path, role) in enumerate(zip(heads.paths, heads.roles, strict=True) if heads else ())
        ],
        "grid": [
            {
                "row": number - table.head,
                "section": next((b.sections[number] for b in blocks if b.sections.get(number)), None),
                "cells": [" ".join(cell.text.split())[:MAX_SHOWN_TEXT] for cell in row[:MAX_SHOWN_COLUMNS]],
            }
            for number, row in enumerate(shown)
        ],
        "rows_not_shown": len(table.rows) - len(shown),
    }


def target_json(table: int, target: Target) -> dict[str, Any]:
    return {
        "axis": target.axis,
        "index": target.index,
        "text": target.text,
        "certain": target.fit.certain,
        "why": target.fit.why,
        "selection": {"table": table, target.axis: target.index, "label": target.text},
    }


def draft(readings: Sequence[TableReading], repo_id: str, again: str, card_sha256: str) -> str:
    """A selection ready to edit: what is certain, and all that may be chosen as comments."""
    lines = [
        f"# Readings of the card for {repo_id}. Take the '#' off the lines that are right, delete the others, then:",
        f"#   {again} --selection FILE",
        "# more keys: rows or columns (only these), leave_out, benchmark: {index: name}, notes, metric, shots, unit",
        f"model: {repo_id}",
        f"card_sha256: {card_sha256}",
        "readings:",
    ]
    for reading in readings:
        if not reading.evaluation:
            continue
        number = reading.table.number
        lines.append(f"# {place_of(reading)}: " + "; ".join(reading.doubts or [reading.status]))
        if reading.status == "found":
            lines += [selection_line(number, target) for target in reading.targets]
            lines += [f"# left out: row {c.row}, column {c.column} '{c.text}': {c.why}" for c in reading.open_cells]
            lines += choices(reading)
        else:
            offered = list(choices(reading)) if reading.text_doubt else []
            offered = offered or [selection_line(number, target) for target in reading.targets or reading.possible]
            lines += [f"# {line.removeprefix('# ')}" for line in offered]
            lines += [f"# not this model's: - {{table: {number}, leave_out: all}}"] if reading.targets else []
    sure = Extraction(repo_id, list(readings), results=[score for reading in readings for score in reading.scores])
    lines += [f"# {conflict_text(conflict)}" for conflict in sure.conflicts()]
    return "\n".join(map(single_line, lines)) + "\n"


def render_tables(readings: Sequence[TableReading], repo_id: str, again: str, around: bool = False) -> Iterator[Any]:
    """The tables of a card in full, as parts for a terminal or a pipe."""
    from rich.table import Table as RichTable
    from rich.text import Text

    yield f"{repo_id}: {len(readings)} table{'s' if len(readings) != 1 else ''}"
    for reading in readings:
        data = table_json(reading, whole=True)
        verdict = "evaluation" if reading.evaluation else "no evaluation"
        lines = [
            f"\ntable {data['table']} ({data['kind']}) under {' > '.join(data['headings']) or '-'}",
            f"  {verdict}: {data['reason']}" + (f"; {data['orientation']}" if data["orientation"] else ""),
            f"  this model: {data['status']}"
            + "".join(f"; {t['axis']} {t['index']} '{t['text']}' ({t['why']})" for t in data["targets"]),
            *(f"  unsure: {doubt}" for doubt in data["unsure"]),
            *(
                f"  left out: row {c['row']}, column {c['column']} '{c['text']}': {c['why']}"
                for c in data["open_cells"]
            ),
            *(
                f"  {name}: {data[name]}"
                for name in ("caption", "before", "after")
                if data[name] and (around or name == "caption")
            ),
            *(f"  below '{told['heading']}': {told['text']}" for told in data["above"] if around),
        ]
        yield "\n".join(lines)
        grid = RichTable(show_lines=False, box=None, padding=(0, 1))
        grid.add_column("row")
        for column in data["header"][:MAX_SHOWN_COLUMNS]:
            grid.add_column(
                Text(f"{column['index']} {isolated(' / '.join(column['path'])[:60]) or '-'} [{column['holds']}]"),
                overflow="fold",
            )
        for row in data["grid"]:
            label = str(row["row"]) if row["row"] >= 0 else "head"
            grid.add_row(label, *(Text(isolated(text[:60])) for text in row["cells"]))
        yield grid
        if data["rows_not_shown"]:
            yield f"  … and {data['rows_not_shown']} more rows"
        yield f"  next: {next_command(reading, again)}"


def next_command(reading: TableReading, again: str) -> str:
    number, look = reading.table.number, again.replace("extract-readme", "inspect-tables")
    if reading.status == "found":
        return f"{again} --table {number} --json"
    if not reading.evaluation or reading.orientation == "single-model":
        return f"{again} --table {number} --force-table   # only if it is an evaluation table"
    lines = [line.partition("  # ")[0] for line in itertools.islice(choices(reading), 4)]
    return f"{again} --selection FILE   # with: {' or '.join(lines) or f'a line of {look} --draft'}"
