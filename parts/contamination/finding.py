"""Windows of a text looked up, and matches grown to their whole length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from parts.contamination.vocabulary import Index
from parts.contamination.words import filter_slots, spread, window_hashes

if TYPE_CHECKING:
    import numpy as np

MOST_PAIRS = 2**21  # places of items that the hits of a block are expanded to at once


def look_up(index: Index, units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(where windows of a text begin that items have, their places in index.hashes)"""
    import numpy as np

    hashes = window_hashes(units, index.window)
    if not len(index.hashes):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    passed = np.arange(len(hashes))
    for which, bits in enumerate(index.bits):
        slots = filter_slots(hashes[passed] if which else hashes, len(bits), which)
        passed = passed[((bits[slots >> 3] >> (slots & 7).astype(np.uint8)) & 1).view(bool)]
    place = np.searchsorted(index.hashes, hashes[passed])
    np.minimum(place, len(index.hashes) - 1, out=place)
    hit = index.hashes[place] == hashes[passed]
    return passed[hit], place[hit]


def pairs(index: Index, at: np.ndarray, place: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(where in the text, where in the items) for all windows that both have, not too many at once."""
    import numpy as np

    counts = index.offsets[place + 1].astype(np.int64) - index.offsets[place]
    total = np.cumsum(counts)
    begin = 0
    while begin < len(at):
        done = total[begin - 1] if begin else 0
        end = max(begin + 1, int(np.searchsorted(total, done + MOST_PAIRS, "right")))
        count = counts[begin:end]
        chosen = spread(index.offsets[place[begin:end]].astype(np.int64), count)
        yield np.repeat(at[begin:end], count), index.positions[chosen].astype(np.int64)
        begin = end


def equal_runs(index: Index, units: np.ndarray) -> np.ndarray:
    """The longest runs of equal units: rows of (begin in the text, begin in the items, length), each once.

    Windows that follow each other in both are one run, which then grows on either side while the units are equal.
    """
    import numpy as np

    rows = [np.zeros((0, 3), np.int64)]
    for at, position in pairs(index, *look_up(index, units)):
        order = np.lexsort((at, position - at))
        at, position = at[order], position[order]
        step = np.diff(at)
        follows = (np.diff(position) == step) & (step <= index.stride)
        first = np.concatenate([[True], ~follows])
        last = np.concatenate([~follows, [True]])
        rows.append(grown(index, units, at[first], position[first], at[last] + index.window - at[first]))
    return np.unique(np.concatenate(rows), axis=0)


def grown(index: Index, units: np.ndarray, at: np.ndarray, position: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Runs, made as long as the units are equal and the item lasts."""
    import numpy as np

    item = np.searchsorted(index.bounds, position, "right") - 1
    low, high = index.bounds[item], index.bounds[item + 1]
    at, position, length = at.copy(), position.copy(), length.copy()
    live = np.arange(len(at))
    while len(live := live[(position[live] > low[live]) & (at[live] > 0)]):
        live = live[index.units[position[live] - 1] == units[at[live] - 1]]
        at[live] -= 1
        position[live] -= 1
        length[live] += 1
    live = np.arange(len(at))
    while len(live := live[(position[live] + length[live] < high[live]) & (at[live] + length[live] < len(units))]):
        live = live[index.units[position[live] + length[live]] == units[at[live] + length[live]]]
        length[live] += 1
    return np.stack([at, position, length], axis=1)


def equal_stretches(ours: Sequence[bytes], theirs: Sequence[bytes]) -> Iterator[tuple[int, int]]:
    """(begin, length) of the stretches in which two lists of words are equal: one, but where hashes collide."""
    if ours == theirs:
        yield 0, len(ours)
        return
    begin = None
    for i, (one, other) in enumerate(zip(ours, theirs, strict=True)):
        if one == other:
            begin = i if begin is None else begin
        elif begin is not None:
            yield begin, i - begin
            begin = None
    if begin is not None:
        yield begin, len(ours) - begin


def whole_characters(index: Index, at: int, position: int, length: int) -> tuple[int, int, int]:
    """A run of bytes without the parts of characters at its ends."""
    units, end = index.units, position + length
    while position < end and units[position] & 0xC0 == 0x80:
        at, position = at + 1, position + 1
    while end > position and end < len(units) and units[end] & 0xC0 == 0x80:
        end -= 1
    return at, position, end - position
