"""The cells of one column or row -> scores: each with its benchmark's name, shots, metric, notes and group.

Takes a Grid and which column or row is the model's, gives Taken: the scores, the cells that cannot be told (to be
asked), and what is no score.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from parts.cards.grid import Block, Grid, harness_columns, is_harness, is_odd_number
from parts.cards.labels import (
    CARD_WORDS,
    MEASURES,
    Label,
    Vocabulary,
    is_average,
    is_fact,
    is_generic,
    is_measure,
    is_setting,
    is_weak_fact,
    note_of,
    split_label,
    words_of,
)  # fmt: skip
from parts.cards.model_names import ModelName, relation_of
from parts.cards.tables import Cell
from parts.cards.text import label_text
from parts.cards.values import MISSING_CELL, Value, divided
from parts.metadata.entries import Score
from parts.vocabulary import folded_name

NOT_A_SHARE = CARD_WORDS["not_a_share"].split()
_SHOT_COUNT = re.compile(r"\d+(?:\s*[-–]\s*\d+)?")
PLAIN_HEADINGS = frozenset(CARD_WORDS["plain_headings"].split())


@dataclass(frozen=True, slots=True)
class Pick:
    """One reading that a person or an agent asked for: which column or row, and what the table does not say."""

    table: int = 0
    axis: str = ""  # "column" or "row"
    index: int | None = None
    label: str | None = None  # the text that must stand there
    only: tuple[int | str, ...] = ()  # rows (of a column) or columns (of a row) to take, by index or label; else all
    leave_out: tuple[int | str, ...] = ()
    names: tuple[tuple[int | str, tuple[str, ...]], ...] = ()  # benchmark names by index or label on the other axis
    notes: str | None = None
    metric: str | None = None
    shots: str | None = None
    unit: str | None = None
    nothing: bool = False  # this model is not in the table
    first: bool = False  # of a cell with several numbers the first is meant

    def name_of(self, index: int, label: str) -> tuple[str, ...]:
        """The names given for a cell's values; none when nothing was given."""
        return next((names for place, names in self.names if place in (index, label)), ())

    def change(self, score: Score) -> Score:
        """The score with what was said by hand."""
        for name in ("notes", "metric", "shots", "unit"):
            if (value := getattr(self, name)) is not None:
                setattr(score, name, value)
        return score


@dataclass(frozen=True, slots=True)
class OpenCell:
    """A cell of the model that is not taken, because it cannot be told what it says."""

    row: int
    column: int
    label: str
    text: str
    why: str


@dataclass(slots=True)
class Taken:
    """What a column or row gives."""

    scores: list[Score] = field(default_factory=list)
    open_cells: list[OpenCell] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def takes(self, pick: Pick, index: int, label: str, fact: bool) -> bool:
        """Whether a row or column of the other axis is taken; a fact only when it was asked for."""
        if pick.only:
            return index in pick.only or label in pick.only
        if fact:
            self.left_out.append(f"'{label[:60]}' is a fact, no score")
        return not fact and index not in pick.leave_out and label not in pick.leave_out


@dataclass(frozen=True, slots=True)
class CellLabels:
    """What the table says of a result beside its value: the texts of its name, outermost first, and its settings."""

    texts: tuple[str, ...] = ()
    shots: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    group: str | None = None
    brackets: bool = False  # brackets behind the name are metrics
    unit: str | None = None  # of a value of at most 1
    note: str | None = None  # the variant that a section row says
    percent: bool = False  # a header says (%)

    def with_texts(self, texts: Sequence[str]) -> CellLabels:
        return dataclasses.replace(self, texts=tuple(texts))


class ScoreReader:
    """Reads the scores of one column or row of a table."""

    def __init__(self, grid: Grid, model: ModelName, vocabulary: Vocabulary, title: str) -> None:
        self.grid, self.table, self.model, self.vocabulary = grid, grid.table, model, vocabulary
        self.headings = [text for text in self.table.headings if text != title]
        self.names: dict[int, RowNames] = {}  # by number of the header
        self.note = next((note for text in self.table.headings[:1] if (note := note_of(text))), None)

    def take(self, axis: str, index: int, number: int, pick: Pick, taken: Taken) -> None:
        """Add the scores of a column (a grid column) or a row (a grid row) under the header of a number."""
        block = self.grid.blocks[number]
        if (names := self.names.get(number)) is None:
            names = (HarnessNames if is_harness(block) else RowNames)(self.grid, block, self.model)
            self.names[number] = names
        if axis == "column":
            path = [text for text in block.paths[index] if relation_of(text, self.model)[0] == "other"]
            above = [text for text in path if is_setting(text) or is_average(text)]
            percent = any("(%)" in text for text in path)
            strong = any(is_fact(names.label(row)) and not is_weak_fact(names.label(row)) for row in block.body)
            for row in block.body:
                label = names.label(row)
                fact = is_fact(label) and (strong or not is_weak_fact(label))
                if taken.takes(pick, row - self.table.head, label, fact):
                    said = names.said(row)
                    if above or percent:
                        said = dataclasses.replace(said, texts=(*said.texts, *above), percent=percent)
                    self.take_cell(row, index, said, pick, taken)
            return
        said = names.said(index) if block.columns("benchmark") else CellLabels()
        said = dataclasses.replace(said, note=note_of(block.sections.get(index) or ""))
        for column in range(self.grid.width) if pick.only else block.columns("value"):
            path = list(block.paths[column])
            if said.texts and all(map(is_generic, path)):
                path = [text for text in path if is_measure(text)]
            if taken.takes(pick, column, " / ".join(path), False):
                self.take_cell(index, column, said.with_texts([*said.texts, *path]), pick, taken)

    def take_cell(self, row: int, column: int, said: CellLabels, pick: Pick, taken: Taken) -> None:
        """Add what one cell says: as many scores as it has values, or the question that it leaves."""
        cell = self.grid.rows[row][column]
        index, label, text = row - self.table.head, " ".join(said.texts), " ".join(cell.text.split())
        values = self.grid.values(cell)

        def leave_open(why: str) -> None:
            taken.open_cells.append(OpenCell(index, column, label, text, why))

        if not values:
            if is_odd_number(text):
                leave_open("the number cannot be read")
            elif text and not MISSING_CELL.fullmatch(text):
                taken.left_out.append(f"'{label[:60]}': '{text[:40]}' is no number")
            return
        names = divide(said.texts, len(values))
        if given := pick.name_of(column if pick.axis == "row" else index, label):
            names = [[name] for name in given] if len(given) == len(values) else None
        if names is None:
            return leave_open(f"it has {len(values)} values, and its label is not divided so")
        for value, texts in zip(values, names, strict=True):
            if value is None:
                continue
            score = pick.change(self.score(value, said, texts, cell, index, column))
            if len(value.numbers) > 1 and not pick.first:
                leave_open("it has several numbers")
            elif (why := self.out_of_range(score)) and not (pick.metric or pick.unit):
                leave_open(why)
            else:
                taken.scores.append(score)
        return None

    def score(self, value: Value, said: CellLabels, texts: Sequence[str], cell: Cell, row: int, column: int) -> Score:
        """One value with the texts of its name."""
        names, shots, metric, notes = [], [value.shots, *said.shots], [value.metric, *said.metrics], []
        for text in texts:
            text = " ".join(text.split())
            if is_measure(text):
                metric.append(label_text(text.replace("(%)", "")).strip("()[] "))
                continue
            if is_setting(text):
                label = split_label(f"x {text}" if text.startswith("(") else f"x ({text})")
            else:
                label = split_label(text, said.brackets)
                names.append(label)
                metric += [word for word in words_of(text) if word in MEASURES][:1] if is_average(text) else []
            shots.append(label.shots)
            metric.append(label.metric)
            notes.append(label.note)
        name, key, outer = self.name_of(names, texts, said.group)
        if key and self.vocabulary.keys.get(folded_name(name)) == key:
            notes = []  # the vocabulary has the name as it stands: what is in its brackets makes no variant of it
        number = value.numbers[0]
        percent = value.percent or said.percent or any("(%)" in text for text in texts)
        shown = int(number) if number.is_integer() else number
        return Score(
            self.table.number, name, shown, cell.source,
            unit="percent" if percent else said.unit if number <= 1 else None,
            shots=said_once(shots), metric=said_once(metric), group=said.group or outer, heading=self.table.heading,
            row=row, column=column, key=key, notes=said_once([*notes, note_of(said.group or ""), said.note, self.note]),
        )  # fmt: skip

    def name_of(
        self, names: list[Label], texts: Sequence[str], group: str | None
    ) -> tuple[str, str | None, str | None]:
        """The name of a result, its key, and a group over it.

        An average, and a measure without a benchmark, carry what they are of: their group, else the table's heading.
        """
        if not names or all(is_average(label.name) for label in names):
            name = " ".join(label.name for label in names) or " ".join(texts)
            headings = (text for text in self.headings if not PLAIN_HEADINGS.issuperset(words_of(text)))
            about = group or next(headings, "")
            return (f"{name} ({label_text(about)[:80]})" if about and about != name else name), None, None
        if len(names) > 1 and not is_average(names[-1].name) and (key := self.vocabulary.key(names[-1])):
            return names[-1].name, key, " ".join(label.name for label in names[:-1])
        name = " ".join(label.name for label in names)
        key = self.vocabulary.key(Label(name, bare=" ".join(label.bare for label in names)))
        heading = self.table.headings[0] if self.table.headings else ""
        if not key and heading != name and self.vocabulary.key(split_label(heading)):
            name = f"{name} ({label_text(heading)[:80]})"  # a part of the benchmark that the heading names
        return name, key, None

    def out_of_range(self, score: Score) -> str:
        """Why a value cannot be its benchmark's: a share is at most 100."""
        low, high = self.vocabulary.ranges.get(score.key or "", (None, None))
        if score.unit != "percent" and any(word in (score.metric or "").casefold() for word in NOT_A_SHARE):
            return ""
        if score.unit == "percent" or (score.metric and is_measure(score.metric)):
            low, high = -100 if low is None else low, 100 if high is None else high
        if (low is not None and score.value < low) or (high is not None and score.value > high):
            most = "more" if high is None else f"{high:g}"
            return f"{score.value:g} is outside what {score.benchmark} can be ({low or 0:g} to {most})"
        return ""


def said_once(parts: Sequence[str | None]) -> str | None:
    """What several places say, each once: "5-shot, CoT"."""
    return ", ".join(dict.fromkeys(filter(None, parts))) or None


def divide(texts: Sequence[str], number: int) -> list[list[str]] | None:
    """The label of each of a cell's values: the one text that is divided as the cell is; None when none is."""
    if number == 1:
        return [list(texts)]
    for at in reversed(range(len(texts))):
        if parts := divided(texts[at], number):
            return [[*texts[:at], part, *texts[at + 1 :]] for part in parts]
    return None


def have_twins(scores: Sequence[Score]) -> bool:
    """Whether two results have the same name, metric, shots and notes."""
    return len({score.place() for score in scores}) < len(scores)


def tell_apart(scores: Sequence[Score]) -> None:
    """Results of one name in several groups of a table carry the group's name: "Average (Math)"."""
    groups: dict[tuple[str, ...], set[str | None]] = {}
    for score in scores:
        groups.setdefault(score.place(), set()).add(score.group)
    for score in [score for score in scores if score.group and len(groups[score.place()]) > 1]:
        score.benchmark, score.key = f"{score.benchmark} ({score.group})", None


class RowNames:
    """What names a row: its label, and the columns beside it."""

    def __init__(self, grid: Grid, block: Block, model: ModelName) -> None:
        self.grid, self.block, self.model = grid, block, model
        texts = block.columns("benchmark") or block.columns("text", "group", "setting", "model")
        roles = ("benchmark", "text", "group", "setting", "model", "shots", "metric")
        self.filled = {column: grid.filled(block, column) for column in block.columns(*roles)}
        self.main = max(texts, key=lambda c: (len({grid.rows[r][c].text for r in block.body}), -c), default=None)
        head = " ".join(block.paths[self.main]) if self.main is not None else ""
        self.brackets = bool(re.search(r"[(\[（](?:.*\b)?(?:metrics?|measure)\b", head, re.I))

    def cell(self, row: int) -> str:
        return self.filled[self.main][row].text if self.main is not None else ""

    def label(self, row: int) -> str:
        return label_text(self.cell(row))

    def texts(self, row: int, *roles: str) -> Iterator[str]:
        for column in self.block.columns(*roles):
            text = label_text(self.filled[column][row].text) if column != self.main else ""
            if text and not MISSING_CELL.fullmatch(text) and relation_of(text, self.model)[0] == "other":
                yield text

    def said(self, row: int) -> CellLabels:
        cell = self.cell(row)
        own = cell if "\n" in cell else label_text(cell)
        group = next(self.texts(row, "group", "text", "benchmark"), self.block.sections.get(row)) or None
        names = [own] if own else []
        if group and (not own or is_setting(own)):
            names = [group, *names]
        names += [f"{names.pop()} ({text})" for text in [*self.texts(row, "setting")][:1] if names]
        shots, metrics = [], []
        for text in self.texts(row, "shots", "metric"):
            label = split_label(f"x ({text}-shot)" if _SHOT_COUNT.fullmatch(text) else f"x ({text})")
            shots.append(label.shots)
            metrics.append(label.metric if label.name == "x" else text)
        return CellLabels(tuple(names), tuple(filter(None, shots)), tuple(filter(None, metrics)), group, self.brackets)


class HarnessNames(RowNames):
    """The rows of a table that a harness printed: blank tasks go on, " - x" is a part of the group above it."""

    def __init__(self, grid: Grid, block: Block, model: ModelName) -> None:
        super().__init__(grid, block, model)
        self.columns = harness_columns(block)
        self.names: dict[int, str] = {}
        group = name = ""
        for row in block.body:
            cell = grid.rows[row][self.columns["task"]].text
            part, text = cell.lstrip().startswith("-"), label_text(cell).lstrip("- ")
            if text:
                name = f"{group} {text}" if part and group and "_" not in text else text
                group = group if part else text
            self.names[row] = name

    def label(self, row: int) -> str:
        return self.names[row]

    def said(self, row: int) -> CellLabels:
        cells = self.grid.rows[row]
        told = {name: label_text(cells[column].text) if column >= 0 else "" for name, column in self.columns.items()}
        shots = f"{told['n-shot']}-shot" if told["n-shot"].isdigit() else ""
        metric = ", ".join(text for text in (told["metric"], told["filter"]) if text and text != "none")
        share = not any(word in metric for word in NOT_A_SHARE)
        return CellLabels((self.names[row],), (shots,), (metric,), unit="proportion" if share else None)
