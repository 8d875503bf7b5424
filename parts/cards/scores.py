"""The cells of one column or row -> scores: each with its benchmark's name, shots, metric, notes and group.

Takes a Grid and which column or row is the model's, gives Taken: the scores, the cells that cannot be told (to be
asked), and what is no score.
"""

from __future__ import annotations

import functools
import itertools
import re
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from parts.cards.grid import Block, Grid, harness_columns, head_is, is_harness
from parts.cards.labels import (
    CARD_WORDS,
    DIGIT_IN,
    MEASURES,
    SIZED,
    Label,
    Vocabulary,
    benchmarks_in,
    is_average,
    is_benchmark,
    is_everyday,
    is_fact,
    is_generic,
    is_measure,
    is_plain_note,
    is_setting,
    is_weak_fact,
    note_of,
    shots_of,
    split_label,
    unbracketed,
    word_list,
    words_of,
)  # fmt: skip
from parts.cards.model_names import QUANTIZED, ModelName, name_tokens, relation_of
from parts.cards.surroundings import (
    MEASURES_SAID,
    is_telling,
    says_lower,
    tellings,
    told_lower,
)
from parts.cards.tables import Cell
from parts.cards.text import folded_label, label_text
from parts.cards.values import NUMBER_CELL, ODD_CELL, TEXT_CELL, Value, cell_kind, divided
from parts.frame import ScriptError, listing
from parts.metadata.entries import Score
from parts.metric_directions import folded_metric, metric_direction
from parts.vocabulary import folded_name, normalize_name

NOT_A_SHARE = CARD_WORDS["not_a_share"].split()
_SHARES = frozenset(["", *next(fits for said, fits in MEASURES_SAID if said.fullmatch("accuracy"))])
_ERRORS = frozenset(
    ["error", "errors", "err", "loss", "losses", "wrong", "incorrect", "failures", "mistakes", "错误率", "오류율"]
)
_BARE = re.compile(r"[()\[\]（）,/]")
_ROUGE = re.compile(r"[rR](?<![\w-][rR])-?([12lL])(?![\w.-])")
_DOWN = re.compile("[↓⬇⇓]")
_TOPICS = word_list("topics") | word_list("languages")
_CODES = word_list("language_codes")
_PLAIN = _TOPICS | _CODES  # beside a benchmark's name
_OTHER_MODELS = word_list("other_models")
_OF_NAMES = word_list("telling_names")
_NO_WORD = re.compile(r"(?i)[\W_]*|n\.?/?a\.?|none|null|nan")  # in a column of labels; "error" is a measure there
_TICK = re.compile("(?:([✓✔✅☑√])|[✗✘❌])\ufe0f?")
_NO_EDITION = re.compile(r"(?i)[\W_]*|\d|yaml|latest|main")  # an integer is a harness's own version of a task
_DATA_SET = re.compile(r"(?:huggingface\.co|hf\.co)/datasets/(?:[\w.-]+/)?([\w.-]+)")
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
    first: bool = False  # of a cell with several numbers or values the first is meant
    entry: Mapping[str, Any] = field(default_factory=dict, compare=False)  # as it was written

    def name_of(self, index: int, label: str) -> tuple[str, ...]:
        """The names given for a cell's values; none when nothing was given."""
        return next((names for place, names in self.names if is_place(place, index, label)), ())

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
    values: int = 0  # how many of its values wait for a benchmark's name
    measure: bool = False  # what is asked is what was measured: a name does not answer it
    first: bool = False  # it has several numbers


@dataclass(slots=True)
class Taken:
    """What a column or row gives."""

    scores: list[Score] = field(default_factory=list)
    open_cells: list[OpenCell] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    places: dict[int, str] = field(default_factory=dict)  # the labels on the other axis, by index
    first: bool = False  # a cell had several numbers
    own: dict[tuple[int, int], str] = field(default_factory=dict)  # row, column -> metric, where another one was given
    otherwise: list[str] = field(default_factory=list)  # what was said by hand, and the table says otherwise

    def add(self, other: Taken) -> None:
        self.scores += other.scores
        self.open_cells += other.open_cells
        self.left_out += other.left_out

    def takes(self, pick: Pick, index: int, label: str, fact: bool) -> bool:
        """Whether a row or column of the other axis is taken; a fact only when it was asked for."""
        self.places[index] = label
        if pick.only:
            return any(is_place(place, index, label) for place in pick.only)
        if fact:
            self.left_out.append(f"'{label[:60]}' is a fact, no score")
        return not fact and not any(is_place(place, index, label) for place in pick.leave_out)

    def ask_unlike(self, pick: Pick) -> None:
        """Open the cells over which one metric was put although they are of others.

        A metric that is none's own says what the whole table measures, and cells that were named were looked at.
        """
        own, given = self.own, own_metric(pick.metric or "")
        asked = [score for score in self.scores if pick.metric and not is_average(score.benchmark)]
        kinds = {own[score.row, score.column] for score in asked}
        if pick.only or len(kinds) < 2 or (given not in kinds and _SHARES.issuperset(kinds)):
            return
        unlike = [score for score in self.scores if own[score.row, score.column] != given]
        self.scores = [score for score in self.scores if score not in unlike]
        for score in unlike:
            said = own[score.row, score.column] or "not known"
            why = f"metric: {pick.metric} is put over several benchmarks, and the metric of this one is {said}"
            self.open_cells.append(OpenCell(score.row, score.column, score.benchmark, score.raw, why, 1, measure=True))

    def ask_mixed(self) -> None:
        """Open the cells that may be proportions among percentages: 0.641 beside 82.1, or where % is said."""
        shares = [s for s in self.scores if s.key or s.unit == "percent"]
        large = [decimals(s.raw) for s in shares if s.value > 1.5]
        for score in shares:
            asked = 0 < score.value < 1 and decimals(score.raw) >= (max(large) + 2 if large else 3)
            if asked and (large or score.unit == "percent"):
                self.scores.remove(score)
                why = (
                    f"{score.value:g} may be a proportion among percentages: a reading of its own with `unit:` says it"
                )
                self.open_cells.append(OpenCell(score.row, score.column, score.benchmark, score.raw, why))

    def useless(self, pick: Pick) -> str:
        """What of a pick names nothing that is there."""
        other = "columns" if pick.axis == "row" else "rows"
        named = {other: pick.only, "leave_out": pick.leave_out, "benchmark": [place for place, _ in pick.names]}
        for key, places in named.items():
            there = self.places.items()
            if missing := [place for place in places if not any(is_place(place, *one) for one in there)]:
                has = listing((f"{index} '{label}'" for index, label in there), 20)
                return f"{key}: {missing[0]!r} is none of its {other}, which are {has}"
        return "first_number: no cell of it has several numbers" if pick.first and not self.first else ""


def said_otherwise(own: Score, score: Score, name: str | None) -> list[str]:
    """What a selection says of a score, and its table otherwise; ScriptError (3) where the table names one benchmark
    and the selection another, of which the first is no short name."""
    if name and own.key and score.key not in (own.key, None):
        short = {*words_of(own.benchmark)} <= {*words_of(name)}
        if not short:
            raise ScriptError(
                f"table {own.table}, row {own.row}: it is called '{own.benchmark}' there, and {name} by the selection: "
                "take `benchmark` out of it, or give the number by hand (evaluation_manager.py add)",
                code=3,
            )

    def plain(part: str, said: str) -> object:
        return (part == "shots " and re.findall(r"\d+", said)) or folded_label(said)

    pairs = [("", own.benchmark if own.benchmark and name else None, score.benchmark)]
    pairs += [(f"{part} ", getattr(own, part), getattr(score, part)) for part in ("shots", "metric", "unit", "notes")]
    return [
        f"'{own.benchmark}': {part}'{there}' is called '{said}'"
        for part, there, said in pairs
        if there is not None and said is not None and plain(part, there) != plain(part, said)
    ]


def decimals(raw: str) -> int:
    """How many digits are behind the point of a number as written."""
    found = re.search(r"\d[.,](\d+)", raw)
    return len(found[1]) if found else 0


def is_place(place: int | str, index: int, label: str) -> bool:
    """Whether a pick's index or label, with or without markup, is this one."""
    return place == index if isinstance(place, int) else folded_label(place) == folded_label(label)


def own_metric(said: str) -> str:
    """A metric by the name that the vocabulary has for it: "pass@1" -> pass_at_1."""
    found = (fits for pattern, fits in MEASURES_SAID if pattern.fullmatch(said))
    return next(found, [folded_metric(said)])[0]


class CellLabels(NamedTuple):
    """What the table says of a result beside its value: the texts of its name, outermost first, and its settings."""

    texts: tuple[str, ...] = ()
    unnamed: bool = False  # the texts say what is measured, and not on which benchmark
    shots: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    group: str | None = None
    brackets: bool = False  # brackets behind the name are metrics
    unit: str | None = None  # of a value of at most 1
    note: str | None = None  # the variant that a section row says
    percent: bool = False  # a header says (%)
    header_shots: str | None = None  # what the header over the labels says: "Model 5-shot"
    less: bool = False  # an arrow says that less is better


class ScoreReader:
    """Reads the scores of one column or row of a table."""

    def __init__(
        self, grid: Grid, model: ModelName, vocabulary: Vocabulary, title: str, unplain: Callable[[str], str]
    ) -> None:
        self.unplain = weakref.WeakMethod(unplain)  # what in a label is not plain; weak, as its object keeps this one
        self.grid, self.table, self.model, self.vocabulary = grid, grid.table, model, vocabulary
        self.headings = [text for text in self.table.headings if text != title]
        self.names: dict[tuple[int, int], RowNames] = {}  # by number of the header, and column where a table begins
        nearest = self.table.headings[:1]
        self.note = next((note for text in nearest if (note := note_of(text))), None)
        self.shots = next((shots for text in nearest if (shots := shots_of(text))), None)

    def row_names(self, number: int, columns: range) -> RowNames:
        block, place = self.grid.blocks[number], (number, columns.start)
        if (names := self.names.get(place)) is None:
            names = (HarnessNames if is_harness(block) else RowNames)(self.grid, block, self.model, columns)
            self.names[place] = names
        return names

    def take(self, axis: str, index: int, number: int, pick: Pick, taken: Taken, columns: range) -> None:
        """Add the scores of a column (a grid column), or of a row (a grid row) in some columns, under a header."""
        block, names = self.grid.blocks[number], self.row_names(number, columns)
        if axis == "column":
            path = [text for text in block.paths[index] if relation_of(text, self.model)[0] == "other"]
            above = [text for text in path if is_setting(text) or is_average(text)]
            over = tuple(text for text in path if text not in above and is_benchmark(text, self.vocabulary))
            percent = any("(%)" in text for text in path)
            mode = self.mode_of(block.paths[index]) if pick.axis else None  # "Reasoning On"
            labels = {row: names.label(row) for row in block.body}
            strong = any(is_fact(label) and not is_weak_fact(label) for label in labels.values())
            for row, label in labels.items():
                fact = is_fact(label) and (strong or not is_weak_fact(label))
                if taken.takes(pick, row - self.table.head, label, fact):
                    said = names.said(row)
                    if above or over or percent or mode:
                        texts = (*over, *said.texts, *above)
                        said = said._replace(texts=texts, percent=percent, note=mode or said.note)
                    self.take_cell(row, index, said, pick, taken)
            return
        said = names.said(index)
        if not block.columns("benchmark"):
            said = CellLabels(shots=said.shots, metrics=said.metrics, header_shots=names.header_shots)
        section = block.sections.get(index) or ""
        said = said._replace(note=note_of(section), shots=(*said.shots, shots_of(section) or ""))
        if pick.axis:
            cells = (names.filled[c][index].text for c in names.columns("text", "group", "setting", "model"))
            said = said._replace(note=said.note or self.mode_of([*map(label_text, cells)]))
        values = [column for column in block.columns("value") if column in columns]
        facts = [
            block.paths[column][-1] for column in block.columns("fact") if column in columns and block.paths[column]
        ]
        taken.left_out += [f"'{text[:60]}' is a fact, no score" for text in facts if not pick.only]
        for column in columns if pick.only else values:
            path = list(block.paths[column])
            generic = all(map(is_generic, path))
            if said.texts and generic:
                path = [text for text in path if is_measure(text)]
            if taken.takes(pick, column, " / ".join(path), False):
                unnamed = not said.texts and generic and not any(map(is_average, path))
                less = any(_DOWN.search(self.grid.rows[head][column].text) for head in block.head)
                labels = said._replace(texts=(*said.texts, *path), unnamed=unnamed, less=less)
                self.take_cell(index, column, labels, pick, taken)

    def mode_of(self, texts: Sequence[str]) -> str | None:
        """The mode that the labels of a chosen row or column say, when the model's own name does not."""
        named = not {"thinking", "think", "reasoning"}.isdisjoint(self.model.tokens)
        return None if named else said_once([note_of(text) for text in texts])

    def take_cell(self, row: int, column: int, said: CellLabels, pick: Pick, taken: Taken) -> None:
        """Add what one cell says: as many scores as it has values, or the question that it leaves."""
        cell = self.grid.rows[row][column]
        index, label, text = row - self.table.head, " ".join(said.texts), " ".join(cell.text.split())
        values = self.grid.values(cell)

        def leave_open(why: str, unnamed: int = 0, measure: bool = False) -> None:
            several = any(value and len(value.numbers) > 1 for value in values)
            taken.open_cells.append(OpenCell(index, column, label, text, why, unnamed, measure, several))

        if not values:
            kind = cell_kind(cell.text, self.grid.comma)
            if kind == ODD_CELL:
                leave_open("the number cannot be read")
            elif kind == TEXT_CELL:
                taken.left_out.append(f"'{label[:60]}': '{text[:40]}' is no number")
            return
        given = pick.name_of(column if pick.axis == "row" else index, label)
        if row in self.table.uneven and not (given or pick.only):
            return leave_open("its row has more or fewer cells than the head: which column is it in?", 1)
        if not (given or pick.only) and self.stands_for_several(cell, row, column):
            return leave_open("it is one cell beside several labels")
        if pick.first and len(values) > 1 and len(given) != len(values):
            values = values[:1]
            taken.first = True
        names = self.divide(row, said.texts, len(values)) if not given else [said.texts] * len(given)
        if names is None or len(names) != len(values):
            why = f"{len(given)} names are given" if given else "its label is not divided so"
            return leave_open(f"it has {len(values)} values, and {why}", len(values))
        for value, texts, name in zip(values, names, given or [None] * len(values), strict=True):
            if value is None:
                continue
            if len(values) > 1 and not given and self.is_quantized(texts) and not self.is_quantized(said.texts):
                taken.left_out.append(f"'{' '.join(texts)[:60]}' is another model's")
                continue
            score = self.score(value, said, texts, cell, index, column, name, len(given) > 1)
            if pick.metric:
                told = score.metric or self.vocabulary.metrics.get(score.key or "") or ""
                taken.own[index, column] = own_metric(told)
            pick.change(score)
            if pick.axis:
                own = self.score(value, said, texts, cell, index, column, None, len(given) > 1)
                taken.otherwise += said_otherwise(own, score, name)
            if len(value.numbers) > 1 and pick.first:
                taken.first = True
            if len(value.numbers) > 1 and not pick.first:
                leave_open("it has several numbers")
            elif value.bound and not given and not pick.first:
                leave_open("it is a bound")
            elif value.odd and not given and not pick.first:
                leave_open(f"'{value.odd}' beside the number may say more")
            elif (fact := self.fact_of_benchmark(texts)) and not given:
                leave_open(f"'{fact}' may be no score")
            elif not any(map(str.isalpha, score.benchmark)) and not score.key:
                leave_open("nothing says which benchmark it is of", 1)
            elif (why := self.out_of_range(score)) and not (pick.metric or pick.unit):
                leave_open(why)
            elif (why := self.measured_beside(score, said, bool(pick.axis))) and not self.tells_measure(pick, name):
                leave_open(why, 0 if name else 1, measure=True)
            elif (why := self.said_beside(score, bool(pick.axis))) and pick.metric is None and not name:
                leave_open(why, 1)
            else:
                taken.scores.append(score)
        return None

    @staticmethod
    def tells_measure(pick: Pick, name: str | None) -> bool:
        """Whether what was said by hand of a cell says how it was measured."""
        return bool(pick.metric or pick.notes or (name and split_label(name).metric))

    def stands_for_several(self, cell: Cell, row: int, column: int) -> bool:
        """Whether a cell spans the rows of different labels, or columns: whose value it is cannot be told."""
        if self.table.kind == "pipe":
            return False
        rows = self.grid.rows
        places = [(row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)]
        beside = [(r, c) for r, c in places if 0 <= r < len(rows) and 0 <= c < len(rows[r]) and rows[r][c] is cell]
        return any(r != row or self.grid.blocks[0].roles[c] == "value" for r, c in beside)

    def fact_of_benchmark(self, texts: Sequence[str]) -> str:
        """The word by which a label says something about a benchmark, no score on it: "MMLU rank", "GSM8K (s)"."""
        for text in texts:
            if self.vocabulary.key(text):
                continue
            words = _BARE.sub(" ", text.replace("p-value", "pvalue")).split()
            errors = () if split_label(text).metric else _ERRORS
            facts = (w for w in words if w.casefold() in errors or (is_fact(w) and not DIGIT_IN.search(w)))
            fact = next(facts, "")
            if fact and benchmarks_in(text.replace(fact, " "), self.vocabulary):
                return fact
        return ""

    def is_quantized(self, texts: Sequence[str]) -> bool:
        text = " ".join(texts)
        words = {*words_of(text), *name_tokens(text)} - {*self.model.tokens}
        return any(word in QUANTIZED and not word.isdigit() for word in words)  # "FP8", "Int4AWQ"

    def divide(self, row: int, texts: Sequence[str], number: int) -> list[Sequence[str]] | None:
        """The label of each of a cell's values: the one text that is divided as the cell is, or a cell beside it.

        None when none is. "BF16<br>FP8" beside "DROP": DROP (BF16), DROP (FP8).
        """
        if number == 1:
            return [texts]
        for at in reversed(range(len(texts))):
            if parts := divided(texts[at], number):
                return [[*texts[:at], part, *texts[at + 1 :]] for part in parts]
        for cell in self.grid.rows[row] if texts else ():
            if not self.grid.values(cell) and (parts := divided(cell.text, number)):
                return [[*texts[:-1], f"{texts[-1]} ({part})"] for part in parts]
        return None

    @functools.cached_property
    def heading_metric(self) -> str | None:
        """The measure that a caption or the nearest heading names alone, when it is no share: "Perplexity on books"."""
        text = " ".join((*self.grid.captions, *self.headings[:1]))
        found = {word for word in words_of(text) if word in MEASURES}
        found |= {metric for sign, metric in CARD_WORDS["metric_signs"].items() if sign in text}
        return found.pop() if len(found) == 1 and found <= word_list("heading_metrics") else None

    @functools.cached_property
    def heading_benchmark(self) -> tuple[str, str | None]:
        """The one benchmark that the nearest heading is on; "" when it is on none, several, or on something else."""
        heading = self.headings[0] if self.headings else ""
        name, key = self.only_benchmark(heading)
        rest = {word for word in words_of(heading) if not word.isdigit()} - {*words_of(name)}
        return (name, key) if rest <= PLAIN_HEADINGS else ("", None)

    @functools.cached_property
    def paragraph_benchmark(self) -> str:
        """The benchmark that the paragraph above begins with, where no label of the table is one: "LongBench is …"."""
        name, _ = self.only_benchmark(self.table.before)
        return name if self.table.before.startswith(name) and not self.has_benchmarks else ""

    def only_benchmark(self, text: str) -> tuple[str, str | None]:
        found = benchmarks_in(text, self.vocabulary)
        return next(iter(found.items())) if len(set(found.values())) == 1 else ("", None)

    @functools.cached_property
    def has_rouge(self) -> bool:
        """Whether labels say R-1, R-2, R-L of ROUGE, and none is alone: R2 may be the coefficient of determination."""
        labels = [text for b in self.grid.blocks for path in b.paths for text in path]
        labels += self.grid.texts("benchmark", "text", "metric")
        found = {match.upper() for text in labels for match in _ROUGE.findall(text)}
        return len(found) > 1 and ("L" in found or any("sum" in text.casefold() for text in labels))  # "ANLI R1", "R2"

    @functools.cached_property
    def has_benchmarks(self) -> bool:
        """Whether a label of the table is a benchmark that is known: then its heading is not the benchmark of all."""
        labels = {text for b in self.grid.blocks for c in b.columns("value") for text in b.paths[c]}
        labels.update(self.grid.texts("benchmark", "text"))
        return any(not is_average(text) and self.vocabulary.key(split_label(text)) for text in labels)

    def score(
        self,
        value: Value,
        said: CellLabels,
        texts: Sequence[str],
        cell: Cell,
        row: int,
        column: int,
        given: str | None,
        several: bool = False,
    ) -> Score:
        """One value with the texts of its name; a name that is given takes their place, and leaves what else they say.

        `several`: of a cell with several values, for which the texts do not say which of their notes is whose.
        Its benchmark is "" when nothing says which it is.
        """
        names, shots, metric, notes = [], [value.shots, *said.shots], [value.metric, *said.metrics], [value.note]
        for text in texts:
            text = _ROUGE.sub(r"ROUGE-\1", " ".join(text.split())) if self.has_rouge else " ".join(text.split())
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
            # what is in the brackets of a name that the vocabulary has as it stands makes no variant of it
            notes.append(None if self.vocabulary.keys.get(folded_name(label.name)) else label.note)
        if given:
            label, outer = split_label(" ".join(given.split())), None
            name, key = label.name, self.vocabulary.key(label)
            shots, metric = [label.shots] if label.shots else shots, [label.metric] if label.metric else metric
            notes = [label.note] if label.note or several else notes
        else:
            name, key, outer = self.name_of(names, texts, said)
        number = value.numbers[0]
        percent = value.percent or said.percent or any("(%)" in text for text in texts)
        measure = said_once(metric)
        if not measure and self.vocabulary.ranges.get(key or "", (None, None))[1] is None:
            measure = self.heading_metric
        if not measure and not key and self.headings:
            measure = split_label(label_text(self.headings[0])[:80]).metric
        return Score(
            self.table.number, name, int(number) if number.is_integer() else number, cell.source,
            unit="percent" if percent else said.unit if number <= 1 else None,
            shots=said_once(shots) or said.header_shots or self.shots, metric=measure, group=said.group or outer,
            heading=self.table.heading, row=row, column=column, key=key,
            notes=said_once([*notes, note_of(said.group or ""), said.note, self.note]),
        )  # fmt: skip

    def name_of(self, names: list[Label], texts: Sequence[str], said: CellLabels) -> tuple[str, str | None, str | None]:
        """The name of a result, its key, and a group over it.

        An average, and a measure without a benchmark, carry what they are of: their group, else the benchmark of the
        table's heading or paragraph, else the heading. A measure of a benchmark that the heading names is its result.
        """
        benchmark, benchmark_key = self.heading_benchmark
        settings = (
            not names and bool(texts) and not any(map(is_average, texts))
        )  # "0-shot" and "maj@8" under "## GSM8K"
        if (said.unnamed or settings) and benchmark and not said.group:
            return benchmark, benchmark_key, None
        if not names or said.unnamed or all(is_average(label.name) for label in names):
            name = " ".join(label.name for label in names) or " ".join(texts)
            headings = self.headings[:1] if said.unnamed else self.headings
            telling = (text for text in headings if not PLAIN_HEADINGS.issuperset(words_of(text)))
            about = said.group or benchmark or self.paragraph_benchmark or next(telling, "")
            if said.unnamed and not (about and is_measure(name)):
                return "", None, None
            return (named_within(name, label_text(about)) if about and about != name else name), None, None
        if len(names) > 1 and not is_average(names[-1].name) and (key := self.vocabulary.key(names[-1])):
            return names[-1].name, key, " ".join(label.name for label in names[:-1])
        label = names[0]
        if len(names) > 1:
            note, bare = said_once([label.note for label in names]), " ".join(label.bare for label in names)
            label = Label(" ".join(label.name for label in names), note=note, bare=bare)
        name, key = label.name, self.vocabulary.key(label)
        if not key and not self.has_benchmarks and (about := benchmark or self.heading_of_parts) and about not in name:
            name = named_within(name, about)  # a part of the benchmark that the heading names
        return name, key, None

    @functools.cached_property
    def heading_of_parts(self) -> str:
        """What the nearest heading tells where the table has an average: its other labels are parts of the same."""
        heading = self.headings[0] if self.headings else ""
        labels = (
            *self.grid.texts("benchmark", "text"),
            *(text for b in self.grid.blocks for p in b.paths for text in p),
        )
        if PLAIN_HEADINGS.issuperset(words_of(heading)) or not any(map(is_average, labels)):
            return ""
        return split_label(label_text(heading)[:80]).name

    def said_beside(self, score: Score, by_hand: bool) -> str:
        """What in its name says that a value is no plain score of a benchmark; a part or a variant has no key.

        Who chose a column by hand has seen the names: what less is better of is asked all the same.
        """
        name, told = score.benchmark, "" if score.metric else told_lower(score.benchmark)
        if not (by_hand or told or score.key):
            known = score.metric or score.shots or is_known_name(name, self.vocabulary)
            if not known and self.has_benchmarks:
                return f"'{name[:60]}' may be no benchmark's name"
            found = benchmarks_in(name, self.vocabulary)
            rest = functools.reduce(lambda text, one: text.replace(one, " "), found, name)
            # of a name that nobody knows, any word may be all that says what it is; "Count" and "DROP" are names
            words = (word for word in tellings(name) if word not in _OF_NAMES and word.upper() not in name)
            told = next((word for word in words if word != name.casefold()), "") or (found and self.other_model(rest))
        return f"'{told}' in its name says that it is no plain score" if told else ""

    def measured_beside(self, score: Score, said: CellLabels, by_hand: bool) -> str:
        """What the labels beside a benchmark's name say that makes its value another thing than its plain score.

        Who chose a column by hand has seen the texts: what another measure is called in is asked all the same.
        """
        for text in filter(None, (score.group, *(score.notes or "").split(", "))):
            if not by_hand and (word := self.other_model(text)):
                return f"'{text[:60]}' beside it says '{word}': is it this model's?"
            group = text == score.group
            if is_filter(text) or (not group and score.key and is_plain_note(text, score.key, self.vocabulary)):
                continue
            if not group or _CODES.issuperset(words_of(text)):
                score.key = None  # a part or a variant, which its name says: "MMLU (STEM)"; "MMLU" beside "de"
            word = "" if is_benchmark(text, self.vocabulary) else self.unplain()(text)
            less = bool(word) and says_lower(text)
            if word and (less or is_measure(word) or word == "%" if by_hand else less or group or is_telling(word)):
                return f"'{text[:60]}' beside it says '{word}': what is measured?"
        for text in said.metrics:
            if is_filter(text):
                continue
            if "stderr" in text or not (is_generic(text) or "_" in text or metric_direction(text) is not None):
                return f"its measure '{text[:60]}' is not known"
        if not by_hand and score.key and (why := self.of_other_data(score)):
            return why
        metric = score.metric or self.vocabulary.metrics.get(score.key or "") or ""
        lower = any(metric_direction(part) for part in metric.split(", "))
        if lower and not score.metric and score.value > 50 and "perplexity" not in metric:
            return f"{score.value:g} is much for {metric}, of which less is better"
        return f"an arrow says that less is better, and it is {metric}" if said.less and metric and not lower else ""

    def of_other_data(self, score: Score) -> str:
        """What a link of its label, or a number of items beside it, says against its being the benchmark."""
        row = score.row + self.table.head
        block = next(block for block in self.grid.blocks if block.body and block.body[0] <= row <= block.body[-1])
        cells = [self.grid.rows[head][score.column] for head in block.head]
        listed = bool(block.columns("benchmark"))  # its rows are benchmarks, and no models
        cells += [self.grid.rows[row][c] for c in block.columns("benchmark", "text", "plain") if listed]
        for name in (name for cell in cells for name in _DATA_SET.findall(cell.source)):
            folded = normalize_name(name)
            if folded not in self.vocabulary.datasets[score.key] and self.vocabulary.key(name) != score.key:
                return f"it links to the data set {name[:60]}: is it {score.benchmark[:40]}?"
        for column in block.columns("fact", "value") if listed else ():
            head = " ".join(block.paths[column][-1:]).strip("# ")
            if column != score.column and head_is(head, "count_heads", "fact_fillers"):
                counts = [value.numbers[0] for value in self.grid.values(self.grid.rows[row][column]) if value]
                if counts and counts[0] < 0.9 * self.vocabulary.items[score.key]:
                    return f"{counts[0]:g} of its {self.vocabulary.items[score.key]:,} items are said beside it"
        return ""

    def other_model(self, text: str) -> str:
        """The word of a text beside a benchmark's name that makes the value another model's: "base", "int4", "13B"."""
        words = (word for word in words_of(text) if word not in self.model.tokens and not word.isdigit())
        return next((w for w in words if w in _OTHER_MODELS or w in QUANTIZED or SIZED.fullmatch(w)), "")

    def out_of_range(self, score: Score) -> str:
        """Why a value cannot be its benchmark's: a share is at most 100."""
        low, high = self.vocabulary.ranges.get(score.key or "", (None, None))
        if score.unit == "percent" or (score.metric and is_measure(score.metric)):
            low, high = -100 if low is None else low, 100 if high is None else high
        if (low is not None and score.value < low) or (high is not None and score.value > high):
            if score.unit != "percent" and any(word in (score.metric or "").casefold() for word in NOT_A_SHARE):
                return ""
            most = "more" if high is None else f"{high:g}"
            return f"{score.value:g} is outside what {score.benchmark} can be ({low or 0:g} to {most})"
        return ""


@functools.lru_cache(maxsize=4096)
def is_known_name(name: str, vocabulary: Vocabulary) -> bool:
    """Whether a name without a key says that it is a benchmark: at its end ("Own Bench"), or in all words of it, which
    are benchmarks, topics, languages: "MMLU German". What is in brackets is looked at by itself.
    """
    name = unbracketed(name)
    rest = functools.reduce(lambda text, found: text.replace(found, " "), benchmarks_in(name, vocabulary), name)
    words = [word.strip("-_.:#*+") for word in _BARE.sub(" ", rest).split()]
    shaped = [word.isascii() and is_benchmark(word, vocabulary) for word in words]
    known = (
        one or word.isdigit() or _PLAIN.issuperset(words_of(word)) for word, one in zip(words, shaped, strict=True)
    )
    return is_average(name) or (not is_everyday(name) and (any(shaped[-1:]) or all(known)))


def said_once(parts: Sequence[str | None]) -> str | None:
    """What several places say, each once: "5-shot, CoT"."""
    if not any(parts):
        return None
    return ", ".join({part.strip().casefold(): part.strip() for part in parts if part}.values()) or None


def have_twins(scores: Sequence[Score]) -> bool:
    """Whether two results have the same name, metric, shots and notes."""
    return len({score.place() for score in scores}) < len(scores)


def is_filter(text: str) -> bool:
    """Whether a text says how answers were taken from what was written: "flexible-extract"."""
    return bool(words := words_of(text)) and word_list("filter_words").issuperset(words)


def tell_apart(scores: Sequence[Score]) -> None:
    """Results of one name in several groups of a table carry the group's name: "Average (Math)"."""
    groups: dict[tuple[str, ...], set[str | None]] = {}
    for score in scores:
        groups.setdefault(score.place(), set()).add(score.group)
    for score in [score for score in scores if score.group and len(groups[score.place()]) > 1]:
        score.benchmark, score.key = named_within(score.benchmark, score.group), None


def named_within(name: str, about: str) -> str:
    """A part's name with its whole's, no bracket in another: "de", "Many (MGSM)" -> "de (Many, MGSM)"."""
    plain = re.sub(r"[\s,]*[()\[\]（）]+[\s,]*", ", ", about[:80]).strip(", ")
    return f"{name} ({plain})" if plain else name


def ticked_mode(text: str, head: Sequence[str]) -> str:
    """The mode that a tick, or a cross, below its name says: "CoT", "Thinking on", "Thinking off"; else ""."""
    if not head or not (tick := _TICK.fullmatch(text)) or head_is(head[0], "plain_cells") or is_fact(head[0]):
        return ""
    if head[0].casefold().startswith(("think", "reasoning")):
        return f"{head[0]} {'on' if tick[1] else 'off'}"
    return head[0] if tick[1] else ""


class RowNames:
    """What names a row: its label, and the columns beside it."""

    def __init__(self, grid: Grid, block: Block, model: ModelName, within: range) -> None:
        self.grid, self.block, self.model, self.within = grid, block, model, within
        columns = self.columns
        texts = columns("benchmark") or columns("text", "group", "setting", "model")
        roles = ("benchmark", "text", "group", "setting", "model", "shots", "metric")
        self.filled = {column: grid.filled(block, column) for column in columns(*roles)}
        heads = (split_label(text).shots for column in texts for text in block.paths[column])
        self.header_shots = next(filter(None, heads), None)
        valued = {c for c in block.columns("value") if any(grid.kinds[r][c] == NUMBER_CELL for r in block.body)}
        told = columns("text", "fact", "setting", "group", "plain", "value")
        self.telling = [c for c in told if c not in valued]  # they may say a version, or a mode with a tick
        self.main = max(texts, key=lambda c: (len({grid.rows[r][c].text for r in block.body}), -c), default=None)
        beside = (("group", "text", "benchmark"), ("setting",), ("shots", "metric"))
        self.groups, self.settings, self.measures = (
            [column for column in columns(*roles) if column != self.main] for roles in beside
        )
        head = " ".join(block.paths[self.main]) if self.main is not None else ""
        self.brackets = bool(re.search(r"[(\[（](?:.*\b)?(?:metrics?|measure)\b", head, re.I))

    def columns(self, *roles: str) -> list[int]:
        return [column for column in self.block.columns(*roles) if column in self.within]

    def cell(self, row: int) -> str:
        return self.filled[self.main][row].text if self.main is not None else ""

    def label(self, row: int) -> str:
        return label_text(self.cell(row))

    def texts(self, row: int, columns: Sequence[int]) -> Iterator[str]:
        for column in columns:
            text = label_text(self.filled[column][row].text)
            if text and not _NO_WORD.fullmatch(text) and relation_of(text, self.model)[0] == "other":
                yield text

    def beside(self, row: int) -> Iterator[str]:
        """The version, and the modes with a tick, that columns beside a benchmark say of it: "v2", "CoT"."""
        for column in self.telling:
            text, head = label_text(self.grid.rows[row][column].text), self.block.paths[column][-1:]
            edition = head and head_is(head[0], "edition_heads") and not _NO_EDITION.fullmatch(text)
            if edition and self.block.roles[column] != "setting" and column != self.main:
                yield text
            elif mode := ticked_mode(text, head):
                yield mode

    def said(self, row: int) -> CellLabels:
        cell = self.cell(row)
        own = cell if "\n" in cell else label_text(cell)
        group = next(self.texts(row, self.groups), self.block.sections.get(row)) or None
        filters = [group] if group and is_filter(group) else []
        group = None if filters else group
        names = [own] if own else []
        if group and (not own or is_setting(own)):
            names = [group, *names]
        setting = itertools.islice(self.texts(row, self.settings), 1)
        for text in (*setting, *self.beside(row)) if names else ():
            names.append(f"{names.pop()} ({text})")
        shots, metrics = [], filters
        for text in self.texts(row, self.measures):
            label = split_label(f"x ({text}-shot)" if _SHOT_COUNT.fullmatch(text) else f"x ({text})")
            shots.append(label.shots)
            metrics.append(label.metric if label.name == "x" else text)
        shots += [shots_of(group)] if group else []
        return CellLabels(
            tuple(names), False, tuple(filter(None, shots)), tuple(filter(None, metrics)), group, self.brackets,
            header_shots=self.header_shots, less=bool(_DOWN.search(cell)),
        )  # fmt: skip


class HarnessNames(RowNames):
    """The rows of a table that a harness printed: blank tasks go on, " - x" is a part of the group above it."""

    def __init__(self, grid: Grid, block: Block, model: ModelName, within: range) -> None:
        super().__init__(grid, block, model, within)
        self.places = harness_columns(block)
        self.names: dict[int, str] = {}
        group = name = ""
        for row in block.body:
            cell = grid.rows[row][self.places["task"]].text
            part, text = cell.lstrip().startswith("-"), label_text(cell).lstrip("- ")
            if text:
                name = f"{group} {text}" if part and group and "_" not in text else text
                group = group if part else text
            self.names[row] = name

    def label(self, row: int) -> str:
        return self.names[row]

    def said(self, row: int) -> CellLabels:
        cells = self.grid.rows[row]
        told = {name: label_text(cells[column].text) if column >= 0 else "" for name, column in self.places.items()}
        shots = f"{told['n-shot']}-shot" if told["n-shot"].isdigit() else ""
        metric = ", ".join(text for text in (told["metric"], told["filter"]) if text and text != "none")
        share = not any(word in metric for word in NOT_A_SHARE)
        return CellLabels((self.names[row],), False, (shots,), (metric,), unit="proportion" if share else None)
