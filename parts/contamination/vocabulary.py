"""Rules, items, matches, verdicts of a contamination check."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from parts.frame import percent, plural

if TYPE_CHECKING:
    import numpy as np

CONTAMINATION_SCHEMA = "1"
WORD_WINDOW = 8  # words that are looked up at once; every word of an item begins a window
BLOCK = 2**18  # bytes of text scanned at once
PART = 2**26  # bytes of a file that one process reads at a time
SEPARATOR = b"\x01"  # between two documents; no word of an item holds it
BYTE_BASE = 0x9E3779B97F4A7C15  # odd, so that both have an inverse modulo 2^64
MOST_NULS = 8  # in a block of text, which has none: more of them are letters of UTF-16
MOST_SKIPPED = 0.01  # share of unreadable rows above which "nothing found" is no answer
MOST_UNJUDGED = 0.5  # share of items too short to judge above which "nothing found" is no answer
BOILERPLATE_ITEMS, BOILERPLATE_SHARE = 10, 0.01  # text of more items of a task than this is not an item's own
SUSPECT, CLEAN, TOO_SHORT = "suspect", "clean", "too short to judge"
CONTAMINATED, NOT_FOUND, UNDECIDED = "contamination found", "no contamination found", "undecided"
VERDICT_CODES = {NOT_FOUND: 0, CONTAMINATED: 1, UNDECIDED: 3}


@dataclass(frozen=True, slots=True)
class Rule:
    """When an item is suspect. length: in units (words, characters); share: of the item (0: any).

    measure: "run", the longest run of equal units; "passage", all runs of WORD_WINDOW words or more that stand in one
    stretch of text about as long as the item; "windows", the share of the item's windows that occur anywhere.
    """

    name: str
    unit: str
    measure: str
    length: int
    share: float
    source: str

    @property
    def condition(self) -> str:
        """The rule in words."""
        if self.measure == "windows":
            return f"at least {percent(self.share)} of the item's {self.length}-{self.unit[:-1]} sequences occur"
        of_item = f" and {percent(self.share)} of the item" if self.share else ""
        if self.measure == "passage":
            return f"at least {self.length} equal words{of_item} stand together, in runs of {WORD_WINDOW} or more"
        units = "letters and digits" if self.unit == "characters" else self.unit
        return f"at least {self.length} equal {units} in a row{of_item}"


MATCH_RULES = {
    rule.name: rule
    for rule in (
        Rule("longest", "words", "passage", 8, 0.5, "longest match of ConTAM, arXiv 2411.03923"),
        Rule("13-gram", "words", "run", 13, 0.0, "GPT-3, arXiv 2005.14165"),
        Rule("8-gram", "words", "windows", WORD_WINDOW, 0.7, "PaLM, arXiv 2204.02311; Llama 2, arXiv 2307.09288"),
        Rule("50-char", "characters", "run", 50, 0.0, "GPT-4, arXiv 2303.08774"),
    )
}


@dataclass(frozen=True, slots=True)
class BenchmarkItem:
    """A benchmark item. text: the question; context: what stands before it, such as a passage; digest: sample_hash."""

    task: str
    sample_id: str
    text: str
    digest: str | None = None
    answer: str = ""
    context: str = ""

    @property
    def sections(self) -> tuple[str, str, str]:
        """Context, question, answer."""
        return self.context, self.text, self.answer

    @property
    def whole(self) -> str:
        """All of it as one text."""
        return "\n".join(section for section in self.sections if section)

    @property
    def label(self) -> str:
        """For people."""
        return f"{self.task}: {self.sample_id}" if self.task else self.sample_id


@dataclass(frozen=True, slots=True)
class Filter:
    """What does not count as a match; `many` items of a task share boilerplate (None: more than 10 and than 1 %)."""

    on: bool = True
    many: int | None = None

    def limit(self, items: int) -> int:
        """The most items of a task (that has so many) that may share a text which is an item's own."""
        return max(BOILERPLATE_ITEMS, int(BOILERPLATE_SHARE * items)) if self.many is None else self.many


@dataclass(frozen=True, slots=True)
class Index:
    """The items of a benchmark as one sequence of units, and a table of their windows.

    window: units that are looked up at once, at every stride-th unit of an item. units: hashes of words (uint64), or
    bytes of letters and digits (uint8). bounds: of each item in units; questions, answers: where these begin in it.
    counted: running total of the units that count; a difference of two is the length of a span without boilerplate.
    hashes: of the windows, sorted, each once; positions[offsets[i]:offsets[i + 1]]: where hashes[i] begins; bits: two
    filters in front of the hashes. text, text_bounds: the words themselves, each followed by a space, and where they
    begin. informative: the windows that the n-gram rule counts. longest: the most units of an item. least: the fewest
    counted units of a match that is remembered.
    """

    window: int
    stride: int
    least: int
    longest: int
    units: np.ndarray
    bounds: np.ndarray
    questions: np.ndarray
    answers: np.ndarray
    counted: np.ndarray
    hashes: np.ndarray
    offsets: np.ndarray
    positions: np.ndarray
    bits: np.ndarray
    text: np.ndarray
    text_bounds: np.ndarray
    informative: np.ndarray

    @property
    def unit(self) -> str:
        """words or characters."""
        return "characters" if self.units.dtype.itemsize == 1 else "words"


@dataclass(frozen=True, slots=True)
class ScanSettings:
    """How the text is scanned. gap: words in twelve that may differ within a passage; else no answer depends on it."""

    block: int = BLOCK
    part: int = PART
    workers: int = 1
    skip_broken: bool = False
    gap: int = 1


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a training file for one process: bytes `start` to `stop`, or row groups of a parquet file.

    kind: text, lines (JSON, one row a line), array (of JSON), parquet, arrow. wanted: the fields of the text. repo,
    revision: of a file on the Hub, else empty. broken: why it cannot be read, when that is allowed.
    """

    name: str
    path: str
    kind: str
    packed: str
    size: int
    start: int = 0
    stop: int | None = None
    wanted: tuple[str, ...] = ()
    repo: str = ""
    revision: str = ""
    broken: str = ""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a match is: `number` counts lines or rows from 1, `byte` from the file's beginning (unpacked), or -1."""

    file: str
    number: int
    byte: int
    kind: str

    def __str__(self) -> str:
        at = f", byte {self.byte}" if self.byte >= 0 else ""
        return f"{self.file}: {self.kind} {self.number}{at}"


@dataclass(frozen=True, slots=True)
class Match:
    """A run of equal units: its length, how many of them count, the text there with what stands around it."""

    counted: int
    length: int
    begin: int
    place: Place
    before: str
    text: str
    after: str

    @property
    def order(self) -> tuple[Any, ...]:
        """The longest first; among equals the place decides, not the order in which they were found."""
        return (-self.counted, -self.length, self.place, self.begin)


@dataclass(slots=True)
class Found:
    """What a scan has found, and what it has read. Matches and places by (unit, item).

    longest: the most counted units of a run, and of a passage, in the whole item, its question and its answer, by
    (unit, item, measure). fields: rows in which each field gave text. garbled: bytes in blocks that are in part no
    UTF-8, where a text may stand in another encoding. coded: bytes of texts in base64 and the like; disguised: letters
    of other alphabets in Latin words.
    """

    matches: dict[tuple[str, int], list[Match]] = field(default_factory=lambda: defaultdict(list))
    longest: dict[tuple[str, int, str], tuple[int, int, int]] = field(default_factory=dict)
    fields: Counter[str] = field(default_factory=Counter)
    places: Counter[tuple[str, int]] = field(default_factory=Counter)
    seen: list[np.ndarray] = field(default_factory=list)
    bytes: int = 0
    documents: int = 0
    lines: int = 0
    words: int = 0
    replaced: int = 0
    garbled: int = 0
    coded: int = 0
    disguised: int = 0
    rows: int = 0
    unreadable: int = 0
    without_text: int = 0
    unread: int = 0
    other_text: int = 0
    media: int = 0
    problems: list[tuple[str, int, str, str]] = field(default_factory=list)  # file, line or row, which of them, why
    broken: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the rules need to know of an item, its question or its answer.

    `counted` leaves out boilerplate and all but one word of a formula. template: so little of the item is its own that
    only all of it, word for word, says something.
    """

    words: int
    counted: int
    longest: int
    windows: int
    windows_found: int
    characters: int
    longest_characters: int
    passage: int = 0
    template: bool = False


@dataclass(frozen=True, slots=True)
class Judged:
    """An item with its status under each rule, and by rule the parts of it that were found ("question", ...)."""

    item: BenchmarkItem
    facts: Facts
    status: Mapping[str, str]
    matches: tuple[Match, ...]
    places: int
    parts: Mapping[str, str] = field(default_factory=dict)

    @property
    def suspect(self) -> bool:
        """Whether any rule holds."""
        return SUSPECT in self.status.values()


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean of items, or a difference of two, with its interval."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """The scores of one record's result under one rule; scores are on the record's scale.

    inflation: the score on all items less that on the clean ones, where all are judged. beyond: the difference less
    that of the other models on the same items. why: the difference is not judged, or "". right: of answers that are
    right or wrong, how many of each side are. joined: how many samples were found by their text, how many by their id.
    """

    rule: str
    model: str
    task: str
    result_id: str
    record: str
    counts: Mapping[str, int]
    recorded: float
    why: str
    all: Mean | None = None
    clean: Mean | None = None
    suspect: Mean | None = None
    difference: Mean | None = None
    inflation: Mean | None = None
    method: str = ""
    beyond: Mean | None = None
    lower_is_better: bool = False
    right: Mapping[str, int] = field(default_factory=dict)
    joined: str = ""


@dataclass(frozen=True, slots=True)
class Sources:
    """The training text as it was named: its parts, and files that were left out with the reason.

    unread: bytes of files that were left out and may hold text; unopened: pipes and folders elsewhere, of any size.
    """

    names: tuple[str, ...]
    parts: tuple[Part, ...]
    left_out: tuple[str, ...] = ()
    unread: int = 0
    unopened: int = 0

    @property
    def size(self) -> int:
        """Bytes of the files that are read."""
        return sum(part.size for part in self.parts)


@dataclass(frozen=True, slots=True)
class Check:
    """The whole answer."""

    rules: tuple[Rule, ...]
    filter: Filter
    judged: tuple[Judged, ...]
    duplicates: int
    item_files: tuple[str, ...]
    sources: Sources
    found: Found
    scores: tuple[ScoreRow, ...]
    fewest: int
    own: tuple[str, ...] = ()  # what files with own entries say of the benchmarks of the scores

    def count(self, rule: Rule, status: str) -> int:
        """The items that have a status under a rule."""
        return sum(one.status[rule.name] == status for one in self.judged)

    @property
    def suspects(self) -> list[Judged]:
        """The suspect items, the longest matches first."""
        found = [one for one in self.judged if one.suspect]
        return sorted(found, key=lambda one: (-one.facts.longest, -one.facts.longest_characters, one.item.label))

    @property
    def parts_found(self) -> Counter[str]:
        """How many suspect items were found as a whole, by their question only, with their answer, ..."""
        found: Counter[str] = Counter()
        for one in self.suspects:
            names = set(one.parts.values())
            both = {"question", "answer"} <= set(" and ".join(names).split(" and "))
            found["question and answer" if both else min(names, key=len) if len(names) > 1 else next(iter(names))] += 1
        return found

    @property
    def nearest(self) -> Judged | None:
        """The item with the largest share of equal words of those that no rule suspects."""
        others = [one for one in self.judged if not one.suspect and one.facts.counted and one.facts.passage]
        return max(others, key=lambda one: one.facts.passage / one.facts.counted, default=None)

    @property
    def unjudged(self) -> int:
        """Items that no rule could judge."""
        return sum(set(one.status.values()) == {TOO_SHORT} for one in self.judged)

    @property
    def doubts(self) -> list[str]:
        """Why "nothing found" is no answer."""
        why = []
        if self.unjudged > MOST_UNJUDGED * len(self.judged):
            why.append(f"{self.unjudged} of {len(self.judged)} items are too short to judge")
        if self.found.broken:
            files = plural(len(self.found.broken), "training file")
            why.append(f"{files} could not be read to the end")
        if self.found.unreadable > MOST_SKIPPED * self.found.rows:
            why.append(f"{self.found.unreadable} of {self.found.rows} rows of the training text could not be read")
        if self.found.unread > MOST_SKIPPED * self.found.rows:
            why.append(f"{self.found.unread} of {self.found.rows} rows hold something that is no text in a field read")
        if self.found.garbled > MOST_SKIPPED * self.found.bytes:
            why.append(f"{self.found.garbled} bytes of the text are mixed with bytes that are not UTF-8: convert them")
        if self.found.coded > MOST_SKIPPED * self.found.bytes:
            why.append(
                f"{self.found.coded} bytes of the text hold text in base64, hexadecimal digits or %XX: decode it"
            )
        if self.found.disguised > MOST_SKIPPED * self.found.words:
            why.append(f"{self.found.disguised} letters of other alphabets stand in Latin words: replace them")
        if self.sources.unopened:
            why.append(f"pipes or linked folders were not read: {'; '.join(self.sources.left_out)}")
        if self.sources.unread > MOST_SKIPPED * (self.sources.size + self.sources.unread):
            why.append(f"{self.sources.unread} bytes of files were left out; name the files that are to be read")
        return why

    @property
    def verdict(self) -> str:
        """The answer to "are items of the benchmark in the text?"."""
        if any(one.suspect for one in self.judged):
            return CONTAMINATED
        return UNDECIDED if self.doubts else NOT_FOUND
