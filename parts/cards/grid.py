"""A table's grid taken apart: header rows over body rows, header paths, section rows, and what each column holds.

Takes a Table, gives a Grid: Blocks of body rows under one header, each with the path and the role of its columns.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from parts.cards.labels import (
    Vocabulary,
    is_benchmark,
    is_fact,
    is_measure,
    is_setting,
    split_label,
    word_list,
    words_of,
)
from parts.cards.tables import EMPTY, Cell, Table
from parts.cards.text import label_text
from parts.cards.values import (
    BLANK_CELL,
    MISSING_CELL,
    NOTHING_CELL,
    NUMBER_CELL,
    ODD_CELL,
    TEXT_CELL,
    Value,
    cell_kinds,
    cell_values,
    uses_decimal_comma,
)

SHOTS_HEAD = re.compile(r"(?i)(?:#\s*)?(?:num[ _]?(?:of[ _])?)?(?:n[- ]?|few[- _]?)?shots?(?: ?\(.*\))?|num_fewshot")
METRIC_HEAD = re.compile(
    r"(?i)(?:eval(?:uation)? )?(?:metrics?|measures?|scoring|指标|评价指标|メトリック)(?: ?\([^)]*\))?"
)


_BRACKET_TAIL = re.compile(r"[(\[（].*")
SIDES = ("model", "benchmark", "text")  # roles of columns whose labels may begin another table


@functools.lru_cache(maxsize=8192)
def head_is(text: str, kind: str, fillers: str = "") -> bool:
    """Whether all words of a header are of a kind: "Benchmark (Metric)" of benchmark_heads."""
    words = set(words_of(_BRACKET_TAIL.sub("", text) or text))
    wanted = word_list(kind)
    return not wanted.isdisjoint(words) and words <= (wanted | word_list(fillers) if fillers else wanted)


def is_head_word(text: str) -> bool:
    return any(head_is(text, kind, "benchmark_fillers") for kind in ("benchmark_heads", "model_heads", "group_heads"))


@dataclass(slots=True)
class Block:
    """Body rows under one header; a table whose header changes half way down has several."""

    head: list[int]
    body: list[int]
    paths: list[tuple[str, ...]] = field(default_factory=list)  # header texts above each column, top first
    roles: list[str] = field(default_factory=list)
    known: dict[tuple[str, ...], list[int]] = field(default_factory=dict)  # columns by roles
    told: list[int] = field(default_factory=list)  # the body without rows of facts, which say nothing of a column
    sections: dict[int, str] = field(default_factory=dict)  # row -> section row above it

    def columns(self, *roles: str) -> list[int]:
        if (found := self.known.get(roles)) is None:
            found = self.known[roles] = [column for column, role in enumerate(self.roles) if role in roles]
        return found


def harness_columns(block: Block) -> dict[str, int]:
    """The columns of a table as lm-eval and lighteval print it, by their header."""
    heads = {path[-1].casefold().rstrip("s"): column for column, path in enumerate(block.paths) if path}
    return {
        "task": heads.get("task", heads.get("group", -1)),
        **{k: heads.get(k, -1) for k in ("metric", "value", "filter", "n-shot")},
    }


def is_harness(block: Block) -> bool:
    columns = harness_columns(block)
    return all(columns[name] >= 0 for name in ("task", "metric", "value"))


class Grid:
    """A table with its values parsed; every decision is made on it.

    Roles of columns: benchmark, model, text (it cannot be told), group, setting (language, split), shots, metric,
    plain (links, licences), fact (a number that is no score), value, blank.
    """

    def __init__(self, table: Table, vocabulary: Vocabulary) -> None:
        self.table, self.rows, self.width, self.vocabulary = table, table.rows, table.width, vocabulary
        texts = {cell.text for row in self.rows for cell in row}
        self.comma = uses_decimal_comma(texts)
        kinds = cell_kinds(texts, self.comma)
        self.has_values = NUMBER_CELL in kinds.values()
        self.kinds = [[kinds[cell.text] for cell in row] for row in self.rows]
        self.captions: list[str] = [table.caption] if table.caption else []  # also those that blocks finds
        self.odd_rows: list[int] = []  # rows that may be another header

    @functools.cached_property
    def blocks(self) -> list[Block]:
        """The headers with their rows; looked for only where something is a number, or somebody asks."""
        blocks = self.find_blocks() if self.width else []
        for block in blocks:
            self.find_sections(block)
            told = [row for row in block.body if not is_fact(label_text(self.rows[row][0].text))]
            block.told = told or block.body
            block.paths = [self.header_path(block, column) for column in range(self.width)]
            if is_harness(block):
                roles = {"task": "benchmark", "metric": "metric", "value": "value", "n-shot": "shots"}
                known = {column: roles.get(name, "plain") for name, column in harness_columns(block).items()}
                block.roles = [known.get(column, "plain") for column in range(self.width)]
            else:
                kinds = list(zip(*(self.kinds[row] for row in block.told), strict=True)) or [()] * self.width
                kinds[0] = [self.kinds[row][0] for row in block.body]
                block.roles = [self.role(block, column, own) for column, own in enumerate(kinds)]
        return blocks

    def segments(self, block: Block) -> list[range]:
        """The columns of tables that stand side by side in one: each begins at a column of labels behind one of values.

        "LLaMA models | MMLU | Alpaca models | MMLU" is two: a second column of labels of one kind, or headed alike.
        """
        roles, first = block.roles, next((c for c, role in enumerate(block.roles) if role in SIDES), None)
        starts = [0]
        for column in range((first or 0) + 1, self.width if first is not None else 0):
            alike = roles[column] in SIDES and (
                roles[column] == roles[first] != "text" or block.paths[column] == block.paths[first]
            )
            if alike and "value" in roles[starts[-1] : column] and "value" in roles[column:]:
                starts.append(column)
        return [range(a, b) for a, b in itertools.pairwise([*starts, self.width])]

    def values(self, cell: Cell) -> tuple[Value | None, ...]:
        return cell_values(cell.text, self.comma)

    def spans_row(self, row: int) -> str | None:
        """The text of a row that has only one cell with text: a caption or a section row."""
        kinds = {*self.kinds[row]} - {BLANK_CELL}
        if kinds != {TEXT_CELL} and kinds != {ODD_CELL}:
            return None
        texts = {cell.text for cell in self.rows[row] if cell.text}
        if len(texts) != 1:
            return None
        text = texts.pop()
        filled = {id(cell) for cell in self.rows[row] if cell.text}
        return label_text(text) if len(filled) == 1 or self.table.kind == "pipe" else None

    def find_blocks(self) -> list[Block]:
        head, body = list(range(self.table.head)), list(range(self.table.head, len(self.rows)))
        if len(head) == len(self.rows) > 1:
            head, body = head[:1], list(range(1, len(self.rows)))
        while not head and len(body) > 1 and self.spans_row(body[0]) is not None:
            self.captions.append(self.spans_row(body.pop(0)) or "")
        if not head and body:
            head.append(body.pop(0))
        while body and len(head) < 5 and self.is_more_header(head, body[0]):
            head.append(body.pop(0))
        while len(head) > 1 and self.width > 1 and (text := self.spans_row(head[0])) and self.rows[head[0]][0].text:
            self.captions.append(text)
            head = head[1:]
        blocks = [Block(head, [])]
        for row in body:
            if self.is_new_header(blocks[-1], row):
                blocks.append(Block([row], []))
            else:
                blocks[-1].body.append(row)
        return [block for block in blocks if block.body] or blocks[:1]

    def is_more_header(self, head: list[int], row: int) -> bool:
        """Whether a row under the header is part of it: shots or metrics under the names, or the names themselves."""
        cells, top, kinds = self.rows[row], self.rows[head[-1]], self.kinds[row]
        first, others = label_text(cells[0].text), [cell for cell in cells[1:] if cell.text]
        above = any(cell.text for index in head for cell in self.rows[index][1:])
        if not others:
            return not above and bool(first)
        if (SHOTS_HEAD.fullmatch(first) or METRIC_HEAD.fullmatch(first)) and row <= self.table.head + 1:
            return all(
                is_setting(c.text) or MISSING_CELL.fullmatch(c.text) or re.fullmatch(r"\d{1,2}", c.text) for c in others
            )
        if NUMBER_CELL in kinds and not all(cell.header for cell in cells if cell is not EMPTY):
            return False
        told = [cell for cell, kind in zip(cells[1:], kinds[1:], strict=True) if kind not in (BLANK_CELL, NOTHING_CELL)]
        if not above or (told and all(is_setting(cell.text) for cell in told) and (not first or is_head_word(first))):
            return True
        if cells[0] is top[0] or (is_head_word(first) and (len(others) > 1 or self.width == 2)):
            return True
        under = any(cell.text and not top[c].text for c, cell in enumerate(cells) if c)
        spans = any(a is b and a.text for a, b in itertools.pairwise(top[1:]))
        return not first and len(others) > 1 and (under or spans)

    def is_new_header(self, block: Block, row: int) -> bool:
        """Whether a body row starts a new header: it names what stands below, and has no value."""
        cells, kinds = self.rows[row], self.kinds[row]
        if self.width < 2 or not block.body or NUMBER_CELL in kinds[1:]:
            return False
        if (
            len(
                {
                    id(cell)
                    for cell, kind in zip(cells[1:], kinds[1:], strict=True)
                    if kind not in (BLANK_CELL, NOTHING_CELL)
                }
            )
            < 2
        ):
            return False
        first = label_text(cells[0].text)
        same = sum(a.text == b.text for a, b in zip(cells, self.rows[block.head[-1]], strict=True))
        if is_head_word(first) or same >= self.width - 1 or all(cell.header for cell in cells if cell is not EMPTY):
            return True
        if not any(is_fact(label_text(cell.text)) for cell in cells[:2]):
            self.odd_rows.append(row)
        return False

    def header_path(self, block: Block, column: int) -> tuple[str, ...]:
        """The header texts above a column, top first, each once; a blank beside a group name belongs to the group."""
        path: list[str] = []
        last: Cell | None = None
        for depth, row in enumerate(block.head):
            cell = self.rows[row][column]
            if self.table.kind == "pipe" and not cell.text and depth + 1 < len(block.head):
                cell = self.group_left(block, row, column) or cell
            if cell is not last and cell.text:
                text = label_text(cell.text)
                if text and (not path or path[-1] != text):
                    path.append(text)
            last = cell
        return tuple(path)

    def group_left(self, block: Block, row: int, column: int) -> Cell | None:
        """The group name to the left of a blank header cell of a pipe table, which has no spans."""
        if column < 2 or not self.rows[block.head[-1]][column].text:
            return None
        left = next((c for c in range(column - 1, 0, -1) if self.rows[row][c].text), 0)
        cell = self.rows[row][left]
        return cell if left and not is_setting(cell.text) else None

    def role(self, block: Block, column: int, kinds: Sequence[str]) -> str:
        """What a column has; kinds: what its cells hold, in the rows that tell it."""
        path = block.paths[column]
        leaf = path[-1] if path else ""
        rows, texts = block.told if column else block.body, set()
        if TEXT_CELL in kinds:
            texts = {self.rows[row][column].text for row, kind in zip(rows, kinds, strict=True) if kind == TEXT_CELL}
        told = len(kinds) - kinds.count(BLANK_CELL) - kinds.count(NOTHING_CELL)
        if SHOTS_HEAD.fullmatch(leaf) and not any("." in self.rows[row][column].text for row in rows):
            return "shots"
        numeric = told > 2 * kinds.count(TEXT_CELL)
        if column == 0 and numeric and (not leaf or is_head_word(leaf)) and self.width > 1:
            numeric = False
        if texts and head_is(leaf, "said_heads"):
            return "text"  # what it says of a row may make its numbers others
        if METRIC_HEAD.fullmatch(leaf) and NUMBER_CELL not in kinds and NOTHING_CELL in kinds and not texts:
            return "metric"  # "Err", which is nothing elsewhere
        facts = any(is_fact(text) and not (numeric and is_measure(text)) for text in path)
        if facts and (is_fact(leaf) or not is_benchmark(leaf, self.vocabulary)):
            return "fact"
        if numeric or (told and not texts and column):
            return "value"
        if not texts:
            return "value" if column and leaf else "blank"
        return self.text_role(leaf, texts)

    def text_role(self, leaf: str, distinct: set[str]) -> str:
        if all(map(is_setting, distinct)):
            return "shots" if all("shot" in t.lower() or "cot" in t.lower() for t in distinct) else "metric"
        named = sum(is_benchmark(text, self.vocabulary) for text in distinct)
        leaf = split_label(leaf).name  # "Model 5-shot"
        if words_of(leaf)[-1:] in (("model",), ("models",)) and 2 * named < len(distinct):
            return "model"  # "Alpaca models"
        for kind in ("group", "setting", "model"):
            if head_is(leaf, f"{kind}_heads") and not (kind == "model" and 2 * named >= len(distinct)):
                return kind
        if METRIC_HEAD.fullmatch(leaf) and any(map(is_measure, distinct)) and 2 * named < len(distinct):
            return "metric"
        if head_is(leaf, "benchmark_heads", "benchmark_fillers") or 2 * named > len(distinct):
            return "benchmark"
        return "plain" if head_is(leaf, "plain_cells") else "text"

    def find_sections(self, block: Block) -> None:
        """Section rows name the rows below them; they are taken out of the body."""
        section, body, last = "", [], []
        for row in block.body:
            text = self.spans_row(row) if self.width > 1 and len(block.body) > 1 else None
            if text is not None and not self.goes_on(row):
                section = text
                last.append(text)
            else:
                last = []
                body.append(row)
                block.sections[row] = section
        block.body = body
        self.captions += last  # no row is below them

    def goes_on(self, row: int) -> bool:
        """Whether the row's only text is a rowspan that began above: a row with no values, not a section."""
        return any(cell.text and cell is self.rows[row - 1][column] for column, cell in enumerate(self.rows[row]))

    def filled(self, block: Block, column: int) -> dict[int, Cell]:
        """A text column's cells by row; a blank one continues the label above, up to the next section or group."""
        cells: dict[int, Cell] = {}
        last, section = EMPTY, None
        groups = dict.fromkeys(
            (c for c in range(column) if block.roles[c] in ("group", "text", "benchmark", "model")), ""
        )
        for row in block.body:
            if block.sections[row] != section:
                last, section = EMPTY, block.sections[row]
            for left, above in groups.items():
                if (text := self.rows[row][left].text) and text != above:
                    last, groups[left] = EMPTY, text
            cell = self.rows[row][column]
            goes_on = not cell.source.strip() and any(c.text for c in self.rows[row])  # a picture is a label of its own
            last = last if goes_on and not cell.text else cell
            cells[row] = last
        return cells

    def texts(self, *roles: str) -> Iterator[str]:
        """The cells of columns of these roles."""
        for block in self.blocks:
            for column in block.columns(*roles):
                yield from (text for row in block.body if (text := label_text(self.rows[row][column].text)))
