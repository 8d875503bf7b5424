"""Plain texts in two files: which line belongs to which, by the ids that the lines have or by their place.

Takes lines; gives rows with id, prediction and reference. ScriptError where ids differ, or where the words of the
lines say that they are shifted against each other.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

from parts.frame import ScriptError, plural
from parts.metrics.columns import BY_PLACE

# The id of a line: its first word (Kaldi's text, LJ Speech, numbered lists) or the last in brackets (sclite's .trn).
ID_PLACES = {
    "first": re.compile(r"\s*(?P<id>[^\s|,;]+)[|,;]?\s*(?P<text>.*)"),
    "last": re.compile(r"\s*(?P<text>.*?)\s*\((?P<id>[^\s()]+)\)\s*"),
}
ID_LIKE = re.compile(r"(?=\S*\d)(?=\S*[^\W\d]|\S*\w[-_]\w)(?!\d+[^\W\d_]{1,3}$)\w\S*")  # not 7, 3.5, 5kg, 2nd
MOST_WITHOUT = 0.1  # share of the lines of a file with ids that may lack one and be told
MANY_EQUAL = 20  # lines whose first words are all different and yet the same in both files: ids rather than chance
LAGS = (-1, 1, -2, 2, -3, 3)
CLEARLY = 0.2  # by how much a line's words must be nearer to a neighbour's reference
LONG_WORDS = 8  # mean length from which on a text is one without spaces
ALIKE = 0.8  # from which on a line is taken to belong to its reference
SHIFTED = 3.0  # the sum of what is beyond it, from which on lines are shifted: four with all words, or more with fewer
TELLING_WORDS = 6  # different words of a text that is hardly said by chance of another item
SAID_ELSEWHERE = 5  # lines that are the text of another item, word by word, from which on the order is in doubt


class LinesWithIds(NamedTuple):
    """Lines with their ids taken off."""

    ids: list[str]
    texts: list[str]
    sure: bool  # they look like ids, not like words
    full: bool  # most lines have a text beside it
    without: int | None  # the number of the first line that has none, where the others surely have


def lines_with_ids(lines: Sequence[str], place: str) -> LinesWithIds | None:
    """The lines as ids and texts; None where few have such an id, or many the same."""
    found = [(i, ID_PLACES[place].fullmatch(line)) for i, line in enumerate(lines, start=1) if line.strip()]
    names = [match["id"].rstrip(".:)") if match else "" for _, match in found]
    most = (1 - MOST_WITHOUT) * len(found)
    if len(found) < 2 or len(set(filter(None, names))) < most:
        return None
    digits = [name for name in names if re.fullmatch(r"\d{1,9}", name)]
    numbers = sorted(map(int, digits))
    listed = len(numbers) > 2 and numbers[0] in (0, 1) and numbers[-1] <= (1 + MOST_WITHOUT) * len(numbers)
    padded = len(set(map(len, digits))) == 1 and any(name[0] == "0" < name for name in digits)
    likely = re.compile(r"\d+") if listed or padded else ID_LIKE
    sure = sum(bool(likely.fullmatch(name)) for name in names) >= most
    pairs = zip(found, names, strict=True)
    without = next((i for (i, _), name in pairs if not likely.fullmatch(name)), None) if sure else None
    texts = [match["text"] for _, match in found if match]
    return LinesWithIds([name for name in names if name], texts, sure, sum(map(bool, texts)) * 2 >= len(texts), without)


def by_ids(
    ours: Sequence[str], theirs: Sequence[str], references: str, way: str | None, say: Callable[[str], str]
) -> tuple[LinesWithIds, LinesWithIds] | None:
    """Predictions and references without the ids that their lines have; None where they have none. ScriptError where
    one file has ids, and (3) where words may be ids. way: first, last (the place that was said) or None; say: the
    command that says what the id is."""
    places = [way] if way in ID_PLACES else ID_PLACES
    for place in places:
        one, two = lines_with_ids(ours, place), lines_with_ids(theirs, place)
        word = "first word" if place == "first" else "last word, in brackets,"
        sides = (("the predictions", one), (references, two))
        if one and two and (place == way or (one.sure and two.sure and two.full)):
            for whose, side in sides:
                if side.without:
                    raise ScriptError(f"line {side.without} of {whose} has no id, as the {word} of the others is")
            return one, two
        if place == way:
            raise ScriptError(f"--map id={way}: the {word} is not another in each line of both files")
        for (whose, side), (other, others) in (sides, sides[::-1]):
            if side and side.sure and side.full and not (others and others.sure):
                raise ScriptError(
                    f"lines of {whose} have an id, such as {side.ids[0]!r}, those of {other} have not: give them the "
                    f"same ids, or take these off; if they are words of the texts: {say(BY_PLACE)}",
                    code=3,
                )
        same = one and two and two.full and sorted(one.ids) == sorted(two.ids)
        if same and len(set(one.ids)) == len(one.ids) >= (MANY_EQUAL if one.ids == two.ids else 4):
            raise ScriptError(
                f"the {word} of each line is another, and all are in {references}: if these are ids: "
                f"{say(place)}; if they are words of the texts: {say(BY_PLACE)}",
                code=3,
            )
    return None


def line_words(lines: Sequence[str], spaced: bool) -> list[frozenset[str]]:
    """The words of each line; of texts without spaces their pairs of signs."""
    if spaced:
        return [frozenset(re.findall(r"\w+", line.casefold())) for line in lines]
    return [frozenset(map("".join, pairwise(line.strip()))) for line in lines]


def check_places(ours: Sequence[str], theirs: Sequence[str], references: str, say: Callable[[str], str]) -> None:
    """ScriptError (3) where a run of lines has the words of the references one to three lines away, and not of its own.

    For each line and lag: how much more of its words (Dice's coefficient) a neighbour's reference has than its own,
    less CLEARLY; the highest sum over a run of lines (Kadane) decides. Texts that stand often tell no place.
    """
    spaced = sum(map(len, theirs)) < LONG_WORDS * sum(len(line.split()) for line in theirs)
    said, wanted = line_words(ours, spaced), line_words(theirs, spaced)
    often = Counter(wanted)
    most = max(1, len(theirs) // 200)
    telling = [bool(text) and often[text] <= most for text in wanted]
    bound = max(SHIFTED, math.log(len(ours) or 1))  # the highest of many lines' by chance grows like this
    sums, starts = dict.fromkeys(LAGS, 0.0), dict.fromkeys(LAGS, 0)

    def nearness(i: int, j: int) -> float:
        return 2 * len(said[i] & wanted[j]) / (len(said[i]) + len(wanted[j]))

    for i, words in enumerate(said):
        if not words or not wanted[i]:
            continue
        own = nearness(i, i)
        for lag in LAGS:
            j = i + lag
            if not 0 <= j < len(wanted) or not telling[j]:
                continue
            more = (-own if own > ALIKE else nearness(i, j) - own) - CLEARLY
            if sums[lag] <= 0:
                sums[lag], starts[lag] = 0.0, i
            sums[lag] += more
            if sums[lag] > bound:
                where = "before" if lag < 0 else "after"
                told = "too many" if lag < 0 else "missing"
                raise ScriptError(
                    f"from line {starts[lag] + 1} on, a line has the words of the reference {plural(abs(lag), 'line')} "
                    f"{where} its own: {plural(abs(lag), 'line')} {told} by then (a head, a blank or lost line?), or "
                    f"the other way round in {references}; where they do belong together: {say(BY_PLACE)}",
                    code=3,
                )
    check_order(said, wanted, references, say)


def check_order(
    said: Sequence[frozenset[str]], wanted: Sequence[frozenset[str]], references: str, say: Callable[[str], str]
) -> None:
    """ScriptError (3) where whole texts are those of other items, each of another one, and next to none is its own."""
    often = Counter(wanted)
    place = {text: i for i, text in enumerate(wanted) if len(text) >= TELLING_WORDS and often[text] == 1}
    hits = [(i, place[text]) for i, text in enumerate(said) if text in place]
    away = {j: i for i, j in hits if i != j}
    if len(away) >= SAID_ELSEWHERE and 20 * (len(hits) - sum(i != j for i, j in hits)) <= len(away):
        j, i = next(iter(away.items()))
        raise ScriptError(
            f"another order than in {references}: {len(away):,} lines have the words of another line's reference, line "
            f"{i + 1} those of line {j + 1}. Put them in its order, or give both with ids; where they do belong "
            f"together: {say(BY_PLACE)}",
            code=3,
        )
