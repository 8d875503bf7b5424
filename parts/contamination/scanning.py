"""A text scanned in blocks."""

from __future__ import annotations

import bisect
import io
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from parts.contamination.finding import equal_runs, equal_stretches, whole_characters
from parts.contamination.markup import without_markup
from parts.contamination.vocabulary import MOST_NULS, SEPARATOR, Found, Index, Match, Place, ScanSettings
from parts.contamination.words import (
    LETTERS_OF_DIGITS,
    OTHER_ENCODING,
    Folded,
    coded_bytes,
    disguised_letters,
    without_errors,
    word_bounds,
    word_hashes,
)
from parts.frame import single_line

if TYPE_CHECKING:
    import numpy as np

BEHIND = 4096  # bytes before a block, to see whether a match began there
AHEAD = 2**21  # bytes behind a block that are searched for as many words as the longest item has
NO_SPACE = 2**20  # bytes without white space after which a text is cut between two characters
WHITE = b" \t\n\r\v\f"
MOST_RUNS = 200  # of one item in one block that are looked at together
SHOWN_MATCHES = 3  # places kept of each item
SHOWN_TEXT, SHOWN_CONTEXT = 160, 40  # characters of a match, and on either side of it
SPACE = re.compile(rb"[ \t\n\r\v\f]")


@dataclass(frozen=True, slots=True)
class TextBlock:
    """A piece of text to scan: matches that begin in raw[begin:end] are its own; what stands around it is shared.

    locate: raw offset -> (place, where its document begins in raw, where it ends).
    """

    raw: bytes
    begin: int
    end: int
    locate: Callable[[int], tuple[Place, int, int]]


class Scanner:
    """Looks for the items of some indexes in blocks of text, and keeps what it has found."""

    def __init__(self, indexes: Sequence[Index], settings: ScanSettings) -> None:
        import numpy as np

        self.indexes = indexes
        self.longest_words = max((i.longest for i in indexes if i.unit == "words"), default=0)
        self.longest_bytes = max((i.longest for i in indexes if i.unit == "characters"), default=0)
        self.ahead = max(1024, 8 * self.longest_words, 2 * self.longest_bytes)
        self.block = settings.block if self.ahead < 2**16 else max(settings.block, 4 * self.ahead)
        self.skip_broken, self.gap = settings.skip_broken, settings.gap
        self.seen = {index.unit: np.zeros(len(index.units), bool) for index in indexes}
        self.found = Found()

    def finish(self) -> Found:
        """Everything found since the last call."""
        import numpy as np

        found, self.found = self.found, Found()
        if "words" in self.seen:
            found.seen.append(np.flatnonzero(self.seen["words"]).astype(np.uint32))
            self.seen["words"][:] = False
        return found

    def is_enough(self, raw: bytes) -> bool:
        """Whether a text is longer than the longest item, so that no match can reach beyond it."""
        words = Folded(raw.replace(SEPARATOR, b" ")).data.split()
        return len(words) > self.longest_words + 1 and sum(map(len, words)) > self.longest_bytes + 8

    def scan(self, block: TextBlock) -> None:
        """Find the matches that begin in a block."""
        import numpy as np

        folded = Folded(without_markup(block.raw))
        if folded.replaced:
            self.found.replaced += without_errors(block.raw[block.begin : block.end])[1]
        other = folded.replaced and OTHER_ENCODING.search(block.raw.decode("utf-8", "surrogateescape"))
        if other or block.raw.count(b"\0", block.begin, block.end) > MOST_NULS:
            self.found.garbled += block.end - block.begin
        folded.data = folded.data.translate(LETTERS_OF_DIGITS)
        data = np.frombuffer(folded.data, np.uint8)
        starts, ends = word_bounds(data)
        self.found.words += len(starts)
        own = block.raw[block.begin : block.end]
        self.found.coded += coded_bytes(own, ends - starts)
        self.found.disguised += 0 if own.isascii() else disguised_letters(own)
        for index in self.indexes:
            if index.unit == "words":
                self.take_words(block, folded, index, starts, ends, equal_runs(index, word_hashes(data, starts, ends)))
            else:
                inside = data != 32
                runs = equal_runs(index, data[inside])
                if len(runs):
                    self.take_characters(block, folded, index, np.flatnonzero(inside), runs)

    def take_words(
        self, block: TextBlock, folded: Folded, index: Index, starts: np.ndarray, ends: np.ndarray, runs: np.ndarray
    ) -> None:
        """Keep the runs of equal word hashes that are runs of equal words, and the block's own."""
        begins = folded.raw_offsets(starts[runs[:, 0]]).tolist()
        together: dict[int, list[tuple[int, int, int, int]]] = defaultdict(list)
        for (at, position, length), raw_begin in zip(runs.tolist(), begins, strict=True):
            own = block.begin <= raw_begin < block.end
            if raw_begin < block.begin or not (own or self.gap):
                continue
            ours = folded.data[starts[at] : ends[at + length - 1]].split()
            low, high = index.text_bounds[position], index.text_bounds[position + length]
            theirs = index.text[low:high].tobytes().split()
            for skip, size in equal_stretches(ours, theirs):
                if size < index.window:
                    continue
                begin, first = at + skip, position + skip
                item = int(index.bounds.searchsorted(first, "right")) - 1
                together[item].append((begin, first, size, raw_begin))
                if own:
                    self.seen["words"][first : first + size - index.window + 1] = True
                    self.keep(block, folded, index, (int(starts[begin]), int(ends[begin + size - 1])), first, size)

        for item, found in together.items():
            self.take_passages(block, index, item, found)

    def take_passages(
        self, block: TextBlock, index: Index, item: int, runs: Sequence[tuple[int, int, int, int]]
    ) -> None:
        """Keep what several runs of one item cover that stand together in one document.

        runs: (word of the block, unit of the index, words, place in the block). A stretch of text as long as the item,
        and by `gap` words in twelve longer, is searched from each run that begins in the block.
        """
        if len(runs) == 1 or not self.gap:
            for _, first, size, raw_begin in runs:
                if raw_begin < block.end:
                    self.remember(index, item, "passage", [(first, size)])
            return
        runs = sorted(runs)[:MOST_RUNS]
        documents = [block.locate(raw_begin)[1] for *_, raw_begin in runs]
        words = int(index.bounds[item + 1] - index.bounds[item])
        reach = words + self.gap * (words // 12 + 1)
        for i, (at, _, _, raw_begin) in enumerate(runs):
            if raw_begin < block.end:
                near = [
                    (first, size)
                    for (begin, first, size, _), document in zip(runs[i:], documents[i:], strict=True)
                    if begin + size <= at + max(reach, runs[i][2]) and document == documents[i]
                ]
                self.remember(index, item, "passage", near)

    def remember(self, index: Index, item: int, measure: str, runs: Sequence[tuple[int, int]]) -> None:
        """Keep how much of an item, its question and its answer runs (unit, length) cover, where it is the most."""
        low, high = int(index.bounds[item]), int(index.bounds[item + 1])
        question, answer = int(index.questions[item]), int(index.answers[item])
        covered = joined_runs(runs)
        amounts = [
            sum(
                int(index.counted[min(end, high_)] - index.counted[max(begin, low_)])
                for begin, end in covered
                if begin < high_ and end > low_
            )
            for low_, high_ in ((low, high), (question, answer), (answer, high))
        ]
        key = index.unit, item, measure
        best = self.found.longest.get(key, (0, 0, 0))
        self.found.longest[key] = tuple(map(max, zip(best, amounts, strict=True)))

    def take_characters(
        self, block: TextBlock, folded: Folded, index: Index, places: np.ndarray, runs: np.ndarray
    ) -> None:
        """Keep the runs of equal letters and digits that are the block's own, whole characters only."""
        begins = folded.raw_offsets(places[runs[:, 0]]).tolist()
        letters = folded.data.translate(None, b" ")
        for row, raw_begin in zip(runs.tolist(), begins, strict=True):
            if block.begin <= raw_begin < block.end:
                at, position, length = whole_characters(index, *row)
                if letters[at : at + length] == index.units[position : position + length].tobytes():
                    span = int(places[at]), int(places[at + length - 1]) + 1
                    self.keep(block, folded, index, span, position, length)

    def keep(
        self, block: TextBlock, folded: Folded, index: Index, span: tuple[int, int], position: int, length: int
    ) -> None:
        """Count a match, and remember it when it is one of the item's longest; `span`: its place in the folded text."""
        import numpy as np

        counted = int(index.counted[position + length] - index.counted[position])
        if counted < index.least:
            return
        item = int(index.bounds.searchsorted(position, "right")) - 1
        key = (index.unit, item)
        self.remember(index, item, "run", [(position, length)])
        self.found.places[key] += 1
        best = self.found.matches[key]
        if len(best) == SHOWN_MATCHES and (counted, length) < (best[-1].counted, best[-1].length):
            return
        begin, last = folded.raw_offsets(np.array([span[0], span[1] - 1])).tolist()
        place, low, high = block.locate(begin)
        end = character_end(block.raw, last)
        before = last_words(excerpt(block.raw[max(low, begin - 4 * SHOWN_CONTEXT) : begin]))
        after = first_words(excerpt(block.raw[end : min(high, end + 4 * SHOWN_CONTEXT)]))
        text = shortened_middle(excerpt(block.raw[begin:end]))
        best.append(Match(counted, length, position - int(index.bounds[item]), place, before, text, after))
        best.sort(key=lambda match: match.order)
        del best[SHOWN_MATCHES:]

    def scan_text(
        self, read: Callable[[int], bytes], name: str, base: int = 0, begin: int = 0, stop: int | None = None
    ) -> None:
        """Scan a text that is too long for the memory: from `begin` to `stop`, where `read` starts at `base`."""
        for raw, first, last, offset in text_blocks(read, base, begin, stop, self):
            locate = text_locator(name, raw, first, offset, self.found.lines)
            self.scan(TextBlock(raw, first, last, locate))
            self.found.lines += raw.count(b"\n", first, last)
            self.found.bytes += last - first

    def scan_documents(self, documents: Iterable[tuple[bytes, int, int]], name: str, kind: str) -> None:
        """Scan many documents: (text, number of its line or row, byte or -1). No match goes over two of them."""
        batch: list[tuple[bytes, int, int]] = []
        size = 0
        for document in documents:
            self.found.documents += 1
            if len(document[0]) > self.block:
                self.scan_long_document(document, name, kind)
                continue
            batch.append(document)
            size += len(document[0]) + 3
            if size >= self.block:
                self.scan_batch(batch, name, kind)
                batch, size = [], 0
        if batch:
            self.scan_batch(batch, name, kind)

    def scan_batch(self, batch: Sequence[tuple[bytes, int, int]], name: str, kind: str) -> None:
        """Scan some documents at once."""
        joint = b"\n" + SEPARATOR + b"\n"
        raw = joint.join([text.replace(SEPARATOR, b" ") for text, _, _ in batch])
        starts = [0]
        for text, _, _ in batch:
            starts.append(starts[-1] + len(text) + len(joint))

        def locate(offset: int) -> tuple[Place, int, int]:
            i = bisect.bisect_right(starts, offset) - 1
            return Place(name, batch[i][1], batch[i][2], kind), starts[i], starts[i + 1] - len(joint)

        self.scan(TextBlock(raw, 0, len(raw), locate))
        self.found.words -= len(batch) - 1  # the separators
        self.found.bytes += sum(len(text) for text, _, _ in batch)

    def scan_long_document(self, document: tuple[bytes, int, int], name: str, kind: str) -> None:
        """Scan one document in blocks."""
        text, number, byte = document
        for raw, first, last, _ in text_blocks(io.BytesIO(text).read, 0, 0, None, self):
            where = Place(name, number, byte, kind), 0, len(raw)
            self.scan(TextBlock(raw, first, last, lambda _, where=where: where))
            self.found.bytes += last - first


def joined_runs(runs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Runs (begin, length) as stretches (begin, end) that do not overlap."""
    found: list[tuple[int, int]] = []
    for begin, length in sorted(runs):
        if found and begin <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], begin + length)
        else:
            found.append((begin, begin + length))
    return found


def character_end(raw: bytes, last: int) -> int:
    """Where the character ends that begins at a place of a UTF-8 text."""
    end = last + 1
    while end < len(raw) and raw[end] & 0xC0 == 0x80:
        end += 1
    return end


def excerpt(raw: bytes) -> str:
    """A piece of foreign text on one line, without control characters and without halves of characters."""
    return single_line(raw.decode("utf-8", "ignore"))


def first_words(text: str) -> str:
    """The first words of a text, at most SHOWN_CONTEXT characters."""
    cut = text[:SHOWN_CONTEXT]
    return text if cut == text else cut.rpartition(" ")[0] or cut


def last_words(text: str) -> str:
    """The last words of a text, at most SHOWN_CONTEXT characters."""
    cut = text[-SHOWN_CONTEXT:]
    return text if cut == text else cut.partition(" ")[2] or cut


def shortened_middle(text: str) -> str:
    """A text with its middle left out when it is long."""
    half = SHOWN_TEXT // 2
    return text if len(text) <= SHOWN_TEXT else f"{text[:half].rstrip()} […] {text[-half:].lstrip()}"


def text_locator(name: str, raw: bytes, first: int, base: int, lines: int) -> Callable[[int], tuple[Place, int, int]]:
    """Places in a plain text by line and byte; `lines`: how many end before raw[first]."""

    def locate(offset: int) -> tuple[Place, int, int]:
        number = lines + raw.count(b"\n", first, offset) + 1
        return Place(name, number, base + offset, "line"), 0, len(raw)

    return locate


def text_blocks(
    read: Callable[[int], bytes], base: int, begin: int, stop: int | None, scanner: Scanner
) -> Iterator[tuple[bytes, int, int, int]]:
    """A long text as (bytes, begin and end of the block in them, offset of the first of them).

    A block begins and ends behind white space. In front of it is text enough to see whether a match began there, and
    behind it so much that no match can reach beyond: so each match is found whole, by the block in which it begins,
    wherever the text was cut. A range begins with the first block boundary at or behind `begin`.
    """
    buffer, more = b"", True

    def fill(size: int) -> bool:
        nonlocal buffer, more
        chunks, have = [buffer], len(buffer)
        while more and have < size:
            chunk = read(max(size - have, 2**16)).replace(SEPARATOR, b" ")
            more = bool(chunk)
            chunks.append(chunk)
            have += len(chunk)
        buffer = b"".join(chunks) if len(chunks) > 1 else buffer
        return have >= size

    def cut(at: int) -> int:
        """The first place at or behind one where a block may begin."""
        size = 4096
        while size <= NO_SPACE:
            filled = fill(at + size)
            if at == 0 or at >= len(buffer) or buffer[at - 1] in WHITE:
                return min(at, len(buffer))
            if space := SPACE.search(buffer, at, at + size):
                return space.end()
            if not filled:
                return len(buffer)
            size *= 4
        while at < len(buffer) and buffer[at] & 0xC0 == 0x80:
            at += 1
        return at

    begin = cut(begin - base)
    while stop is None or base + begin < stop:
        end = cut(begin + scanner.block if stop is None else min(begin + scanner.block, stop - base))
        if end <= begin:
            return
        ahead = scanner.ahead
        while fill(end + ahead) and ahead < AHEAD and not scanner.is_enough(buffer[end : end + ahead]):
            ahead *= 2
        yield buffer[: end + ahead], begin, end, base
        if end >= len(buffer):
            return
        dropped = max(0, end - BEHIND)
        buffer, base, begin = buffer[dropped:], base + dropped, end - dropped


def add_found(into: Found, part: Found, lines: int) -> None:
    """Add what a part has found; `lines`: of the same file before the part."""
    import numpy as np

    for key, matches in part.matches.items():
        moved = [
            match if not lines else replace(match, place=replace(match.place, number=match.place.number + lines))
            for match in matches
        ]
        into.matches[key] = sorted([*into.matches[key], *moved], key=lambda match: match.order)[:SHOWN_MATCHES]
    for key, amounts in part.longest.items():
        into.longest[key] = tuple(map(max, zip(into.longest.get(key, (0, 0, 0)), amounts, strict=True)))
    into.places.update(part.places)
    into.fields.update(part.fields)
    into.seen = [np.union1d(*pair) if len(pair) > 1 else pair[0] for pair in [into.seen + part.seen] if pair]
    for name in (
        "bytes",
        "documents",
        "lines",
        "words",
        "replaced",
        "garbled",
        "coded",
        "disguised",
        "rows",
        "unreadable",
        "without_text",
        "unread",
        "other_text",
        "media",
    ):
        setattr(into, name, getattr(into, name) + getattr(part, name))
    into.problems += [(file, number + lines, kind, why) for file, number, kind, why in part.problems]
    into.broken += part.broken
