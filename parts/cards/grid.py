"""A table's header paths and the roles of its columns."""

from __future__ import annotations

import itertools
import re

from parts.cards.labels import Vocabulary, bare_setting, is_benchmark, is_fact, is_model, is_setting
from parts.cards.text import label_text
from parts.cards.values import _WORD, is_decimal, parse_value, uses_decimal_comma
from parts.cards.vocabulary import EMPTY, MISSING, TEXT_ROLES, Block, Cell, Table, Value, says_shots
from parts.cards.words import (
    BACKBONE_HEAD,
    BENCHMARK_HEAD,
    EXTRA_HEAD,
    GROUP_HEAD,
    HEAD_WORDS,
    METRIC_HEAD,
    MODEL_HEAD,
    NAME_HEAD,
    SHOTS_HEAD,
)


class Grid:
    """A table with its values parsed; every decision is made on it."""

    def __init__(self, table: Table, vocabulary: Vocabulary) -> None:
        self.table, self.rows, self.width, self.vocabulary = table, table.rows, table.width, vocabulary
        self.comma = uses_decimal_comma(self.rows)
        self.captions: list[str] = [table.caption] if table.caption else []
        self.labels: dict[tuple[int, int], dict[int, Cell]] = {}  # what `filled` has found
        self.blocks = self.find_blocks()
        for block in self.blocks:
            block.paths = [self.header_path(block, column) for column in range(self.width)]
            block.roles = self.find_roles(block)
            self.find_sections(block)

    def value(self, cell: Cell) -> Value | None:
        return parse_value(cell.text, self.comma) if cell.text else None

    def scored(self, cell: Cell) -> bool:
        text = cell.text
        if not text:
            return False
        return bool(is_decimal(text) or parse_value(text, self.comma) or self.packed(cell))

    def packed(self, cell: Cell) -> list[Value | None] | None:
        """The values of a cell that packs several, one a line; None for any other cell."""
        if "\n" not in cell.text:
            return None
        lines = cell.text.split("\n")
        values = [parse_value(line, self.comma) for line in lines]
        told = all(value or MISSING.fullmatch(line) for value, line in zip(values, lines, strict=True))
        return values if told and any(values) else None

    def texts(self, row: int) -> list[str]:
        return [cell.text for cell in self.rows[row]]

    def spans_row(self, row: int) -> str | None:
        """The text of a row that has only one cell with text: a caption or a section row."""
        found = None
        for cell in self.rows[row]:
            if cell.text and cell is not found:
                if found is not None and cell.text != found.text:
                    return None
                found = cell
        if found is None or self.scored(found) or MISSING.fullmatch(found.text):
            return None
        return label_text(found.text)

    def find_blocks(self) -> list[Block]:
        if not self.width:
            return []
        head, body = list(range(self.table.head)), list(range(self.table.head, len(self.rows)))
        if len(head) == len(self.rows) > 1:
            head, body = head[:1], list(range(1, len(self.rows)))
        if not head and body:
            while len(body) > 1 and self.spans_row(body[0]) is not None:
                head.append(body.pop(0))
            head.append(body.pop(0))
        while body and self.is_more_header(head, body[0], len(head)):
            head.append(body.pop(0))
        blocks = [Block(self.drop_captions(head), [])]
        for row in body:
            if self.is_new_header(blocks[-1], row):
                blocks.append(Block([row], []))
            else:
                blocks[-1].body.append(row)
        return [block for block in blocks if block.body] or blocks[:1]

    def drop_captions(self, head: list[int]) -> list[int]:
        """Leading header rows that one cell spans are captions."""
        while len(head) > 1 and self.width > 1 and (text := self.spans_row(head[0])) is not None:
            if self.rows[head[0]][0].text == "":
                break
            self.captions.append(text)
            head = head[1:]
        return head

    def is_more_header(self, head: list[int], row: int, depth: int) -> bool:
        """Whether a row under the header is part of it: shots or metrics under the names, or the names themselves."""
        if depth > 4:
            return False
        cells = self.rows[row]
        first, others = label_text(cells[0].text), [cell for cell in cells[1:] if cell.text]
        above = [cell for index in head for cell in self.rows[index][1:]]
        if not others:
            return not any(cell.text for cell in above) and bool(first)
        setting = bare_setting(first)
        if (SHOTS_HEAD.fullmatch(setting) or METRIC_HEAD.fullmatch(setting)) and row <= self.table.head + 1:
            return all(
                is_setting(c.text) or MISSING.fullmatch(c.text) or re.fullmatch(r"\d{1,2}", c.text) for c in others
            )
        if any(self.scored(cell) for cell in cells) and not all(cell.header for cell in cells if cell is not EMPTY):
            return False
        if not any(cell.text for cell in above):
            return True
        if not first or HEAD_WORDS.fullmatch(first) or cells[0] is self.rows[head[-1]][0]:
            settings = [is_setting(cell.text) for cell in others if not MISSING.fullmatch(cell.text)]
            if settings and all(settings):
                return True
        if (HEAD_WORDS.fullmatch(first) and len(others) > 1) or cells[0] is self.rows[head[-1]][0]:
            return True
        # A blank corner, and names under group names: these span, or have blanks beside them.
        top = self.rows[head[-1]]
        under = any(cell.text and not top[c].text for c, cell in enumerate(cells) if c)
        spans = any(a is b and a.text for a, b in itertools.pairwise(top[1:]))
        return not first and len(others) > 1 and (under or spans)

    def is_new_header(self, block: Block, row: int) -> bool:
        """Whether a body row starts a new header: it names what stands below, and has no value."""
        cells = self.rows[row]
        if self.width < 2 or self.scored(cells[-1]) or self.scored(cells[1]):
            return False
        others = {id(cell): cell for cell in cells[1:] if cell.text and not MISSING.fullmatch(cell.text)}
        if len(others) < 2 or not block.body or any(self.scored(cell) for cell in others.values()):
            return False
        if all(cell.header for cell in cells if cell is not EMPTY):
            return True
        first = label_text(cells[0].text)
        return bool(HEAD_WORDS.fullmatch(first) and not GROUP_HEAD.fullmatch(first)) or (
            bool(first)
            and sum(a.text == b.text for a, b in zip(cells, self.rows[block.head[-1]], strict=True)) >= self.width - 1
        )

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

    def find_roles(self, block: Block) -> list[str]:
        """What each column holds: label, group, extra, shots, metric, fact, data or blank."""
        roles = [self.role(block, column) for column in range(self.width)]
        texts = [column for column, role in enumerate(roles) if role in ("text", "group", "extra", "metric")]
        heads = {column: " ".join(block.paths[column]) for column in texts}
        if any(NAME_HEAD.fullmatch(head) for head in heads.values()):
            for column, head in heads.items():
                if BACKBONE_HEAD.fullmatch(head):  # "Model | LLM": the second is a part of the first
                    roles[column] = "fact"
            texts = [column for column in texts if roles[column] != "fact"]
        leading = [column for column in texts if all(roles[left] != "data" for left in range(column))]
        named = [column for column in texts if roles[column] == "text"]
        label = self.label_column(block, [c for c in named if c in leading] or leading or named or texts)
        for column in texts:
            if column == label:
                roles[column] = "label"
            elif roles[column] == "text":
                roles[column] = "group" if column < (label if label is not None else 0) else "extra"
        return roles

    def label_column(self, block: Block, columns: list[int]) -> int | None:
        """The text column that names the rows: by its header, else the one with the most different labels."""
        if not columns:
            return None

        def weight(column: int) -> tuple[bool, int, int]:
            head = " ".join(block.paths[column])
            named = bool(BENCHMARK_HEAD.fullmatch(head) or MODEL_HEAD.fullmatch(head)) and not GROUP_HEAD.fullmatch(
                head
            )
            return named, len({self.rows[row][column].text for row in block.body}), -column

        return max(columns, key=weight)

    def role(self, block: Block, column: int) -> str:
        path = block.paths[column]
        leaf = path[-1] if path else ""
        cells = [self.rows[row][column] for row in block.body]
        filled = [cell for cell in cells if cell.text]
        others = [cell.text for cell in filled if not (is_decimal(cell.text) or self.scored(cell))]
        values = len(filled) - len(others)
        texts = [text for text in others if not MISSING.fullmatch(text) and _WORD.search(text)]
        if SHOTS_HEAD.fullmatch(leaf) and not any("." in cell.text for cell in cells):
            return "shots"
        if texts and not values and all(map(is_setting, texts)) and all(map(says_shots, others)):
            return "shots"
        if column == 0 and (HEAD_WORDS.fullmatch(leaf) or not leaf) and not (values and not texts and not leaf):
            return "group" if GROUP_HEAD.fullmatch(leaf) else "text"
        if is_fact(leaf) or (
            any(map(is_fact, path[:-1])) and not (is_model(leaf) or is_benchmark(leaf, self.vocabulary))
        ):
            return "fact"
        if values and values >= len(texts):
            return "data"
        if not texts:
            images = any(cell.source and not cell.text for cell in cells)
            return "blank" if images or not leaf else "data"
        if METRIC_HEAD.fullmatch(leaf) and not self.name_benchmarks(texts):
            return "metric"
        if not leaf and all(map(is_setting, texts)):
            return "metric"
        if GROUP_HEAD.fullmatch(leaf):
            return "group"
        if EXTRA_HEAD.fullmatch(leaf):
            return "extra"
        return "text" if not values or HEAD_WORDS.fullmatch(leaf) else "data"

    def name_benchmarks(self, texts: list[str]) -> bool:
        """Whether the cells of a column headed "Metric" are benchmarks ("AIME 2025"), not measures ("pass@1")."""
        named = sum(is_benchmark(text, self.vocabulary) and not is_setting(text) for text in texts)
        return 2 * named > len(texts)

    def find_sections(self, block: Block) -> None:
        """Section rows name the rows below them; they are taken out of the body."""
        section, body = "", []
        for row in block.body:
            text = self.spans_row(row) if self.width > 1 else None
            if text is not None and not (len(block.body) > 1 and self.is_filled_label(block, row)):
                section = text
            else:
                body.append(row)
                block.sections[row] = section
        block.body = body

    def is_filled_label(self, block: Block, row: int) -> bool:
        """Whether the row's only text is a rowspan that began above: a row with no values, not a section."""
        return any(cell.text and cell is self.rows[row - 1][column] for column, cell in enumerate(self.rows[row]))

    def filled(self, block: Block, column: int) -> dict[int, Cell]:
        """A label column's cells by row; a blank one continues the label above, up to the next section."""
        place = (block.head[0], column)
        if place not in self.labels:
            self.labels[place] = self.fill(block, column)
        return self.labels[place]

    def fill(self, block: Block, column: int) -> dict[int, Cell]:
        cells, last, section = {}, EMPTY, None
        groups = dict.fromkeys((c for c in range(column) if block.roles[c] in TEXT_ROLES), "")
        for row in block.body:
            if block.sections[row] != section:
                last, section = EMPTY, block.sections[row]
            for left, above in groups.items():
                if (text := self.rows[row][left].text) and text != above:  # no label goes on below another group
                    last, groups[left] = EMPTY, text
            cell = self.rows[row][column]
            last = cell if cell.text else last if any(c.text for c in self.rows[row]) else EMPTY
            cells[row] = last
        return cells
