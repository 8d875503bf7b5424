"""Cells, tables, labels, scores and readings of a model card."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from parts.cards.words import COT, SHOT
from parts.metadata.entries import Score

MISSING = re.compile(
    r"(?i)[-—–−―/\\.…?✗✘×x❌*\s]*|n\.?/?a\.?|oom|tbd|tba|none|null|nan|err(?:or)?|fail(?:ed)?|n/r|nr|pending|timeout|"
    r"待定|无|暂无"
)
TEXT_ROLES = ("label", "group", "extra")


@dataclass(slots=True, eq=False)
class Cell:
    """One cell as written; a spanning cell stands at several places of the grid and stays one object."""

    source: str
    text: str  # as a reader sees it, one line per line break
    header: bool = False


EMPTY = Cell("", "")


@dataclass(slots=True)
class Table:
    """A rendered table: its grid with spans expanded, and the text that stands around it."""

    number: int
    kind: str  # "pipe" or "html"
    rows: list[list[Cell]]
    head: int  # rows that the markup makes header rows
    heading: str | None = None
    headings: tuple[str, ...] = ()  # nearest first
    before: str = ""
    after: str = ""
    caption: str = ""

    @property
    def width(self) -> int:
        return len(self.rows[0]) if self.rows else 0


@dataclass(slots=True)
class Card:
    text: str
    title: str
    tables: list[Table]
    front: dict[str, Any] = field(default_factory=dict)
    memo: dict[Any, Any] = field(default_factory=dict)  # what the text says of names, once found

    def find_all(self, pattern: str) -> list[str]:
        if pattern not in self.memo:
            if "" not in self.memo:
                self.memo[""] = self.text.casefold()
            self.memo[pattern] = re.findall(pattern, self.memo[""])
        return self.memo[pattern]


@dataclass(frozen=True, slots=True)
class Value:
    numbers: tuple[float, ...]
    percent: bool = False
    shots: str | None = None
    metric: str | None = None


@dataclass(frozen=True, slots=True)
class Label:
    """A benchmark's label, taken apart: "DROP (3-shot F1)" -> DROP, 3-shot, F1."""

    name: str
    shots: str | None = None
    metric: str | None = None


@dataclass(slots=True)
class Fit:
    """How one header or row label fits the model's name; a higher level is a closer fit."""

    level: int  # 4 the same tokens, 3 decorated, 2 completed by the text around, 1 the only size, 0 one of its modes
    rule: str
    covered: int  # tokens of the model's name that the label itself has


@dataclass(slots=True)
class Candidate:
    axis: str  # "column" or "row"
    index: int  # grid column, or body row
    text: str
    fit: Fit
    place: tuple[int, str] = (0, "")  # block, and what tells it from the same label elsewhere


@dataclass(slots=True)
class Block:
    """Body rows under one header; a table whose header changes half way down has several."""

    head: list[int]
    body: list[int]
    paths: list[tuple[str, ...]] = field(default_factory=list)  # header texts above each column, top first
    roles: list[str] = field(default_factory=list)
    sections: dict[int, str] = field(default_factory=dict)  # row -> section row above it


@dataclass(slots=True)
class Reading:
    """What was decided about one table, and why."""

    table: Table
    evaluation: bool
    reason: str
    orientation: str | None = None
    status: str = "absent"  # found, absent, ambiguous, or skipped (no evaluation table)
    targets: list[Candidate] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    rule: str = ""
    scores: list[Score] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)


def says_shots(text: str) -> bool:
    """Whether a cell of a column of shots may say this: shots, chain of thought, or nothing."""
    return bool(SHOT.search(text) or COT.fullmatch(text) or MISSING.fullmatch(text))
