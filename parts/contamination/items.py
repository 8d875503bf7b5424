"""Benchmark items as windows of words, and the index of them."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from parts.contamination.markup import without_markup
from parts.contamination.vocabulary import BYTE_BASE, SEPARATOR, WORD_WINDOW, BenchmarkItem, Filter, Index
from parts.contamination.words import LETTERS_OF_DIGITS, Folded, filter_slots, window_hashes, word_bounds, word_hashes

if TYPE_CHECKING:
    import numpy as np

# A run of 50 characters (at least 50 bytes) holds one of the item's windows of 40 bytes when they begin every 11 bytes.
CHARACTER_WINDOW, CHARACTER_STRIDE = 40, 11
LEAST_WEIGHT = 2  # of a window that is looked up: what is all boilerplate or all formula is not
BITS_PER_WINDOW = 16  # of each of the two filters in front of the table; one window in 16 passes one by chance
SLICE = 2**20  # words or letters of items hashed at once
FORMULA_RUN = 4  # numbers and single letters in a row that are a formula

# Instructions that come with benchmark items and with many other texts. The first is the false positive of 13-grams
# that is known best; the others are of MMLU, the harnesses' prompts and instruction tuning.
BOILERPLATE = (
    "Construct a complete truth table for the following argument. Then, using the truth table, determine whether the "
    "argument is valid or invalid. If the argument is invalid, choose an option which presents a counterexample. "
    "(There may be other counterexamples as well.)",
    "Construct a complete truth table for the following pairs of propositions. Then, using the truth tables, determine "
    "whether the statements are logically equivalent or contradictory. If neither, determine whether they are "
    "consistent or inconsistent. Justify your answers.",
    "Use indirect truth tables to determine whether the following argument is valid. If the argument is invalid, "
    "choose an option which presents a counterexample. (There may be other counterexamples as well.)",
    "Which of the given formulas of PL is the best symbolization of the following sentence?",
    "Find the degree for the given field extension",
    "The following are multiple choice questions (with answers) about",
    "Answer the following multiple choice question. The last line of your response should be of the following format",
    "Answer the following multiple-choice question by giving the most appropriate response. Answer should be one among",
    "Given the following question and four candidate answers (A, B, C and D), choose the best answer.",
    "Please reason step by step, and put your final answer within \\boxed{}.",
    "Solve the following math problem efficiently and clearly. The last line of your response should be of the "
    "following format",
    "Solve the following math problem step by step. The last line of your response should be of the form",
    "Read the following passage and answer the question that follows.",
    "Read the passage below and answer the question that follows.",
    "Below is an instruction that describes a task. Write a response that appropriately completes the request.",
    "Below is an instruction that describes a task, paired with an input that provides further context. Write a "
    "response that appropriately completes the request.",
    "Complete the following Python function. You are given a function signature and its docstring.",
    "You are an expert Python programmer, and here is your task. Your code should pass these tests",
)

# What a formula is made of beside LaTeX commands, numbers and single letters.
FORMULA_WORDS = frozenset(
    b"sin cos tan cot sec csc sinh cosh tanh arcsin arccos arctan log ln exp lim sqrt frac dfrac tfrac binom dbinom "
    b"tbinom cdot cdots ldots dots pmod mod gcd lcm infty leq geq neq approx equiv alpha beta gamma delta epsilon "
    b"theta lambda mu sigma phi omega psi rho tau pi mathbb mathrm mathbf mathcal overline displaystyle qquad".split()
)
VARIABLE = re.compile(rb"[a-z]|\d+|\d+[a-z]|[a-z]\d+")  # a number or a variable: "x", "12", "2x", "x1"
LATEX_COMMAND = re.compile(rb"\\([A-Za-z]+)")
OWN, FORMULA, SHARED = 0, 1, 2
LONG_TEMPLATE = 13  # words of an item that say something though other items share most of them
INFORMATIVE = WORD_WINDOW // 2 + 1  # words of a window that must count for the window to say anything


@dataclass(frozen=True, slots=True)
class Words:
    """The words of all items end to end. text: each followed by a space; kind: OWN, FORMULA or SHARED.

    questions, answers: the words at which they begin, of each item. templates: whether an item has so few words of its
    own that all of them count, and only the whole of it can be found.
    """

    text: bytes
    text_bounds: np.ndarray
    hashes: np.ndarray
    bounds: np.ndarray
    questions: np.ndarray
    answers: np.ndarray
    kind: np.ndarray
    templates: np.ndarray


def formula_words(raw: bytes, folded: Folded, words: Sequence[bytes]) -> list[bool]:
    """Which words of a text belong to a formula: a run of LaTeX commands, function names, numbers and variables.

    A few numbers or letters alone are none ("48 of her friends", "I have a dog"); a command or a function's name is.
    """
    import numpy as np

    commands = {match.start(1) for match in LATEX_COMMAND.finditer(raw)}
    starts: list[int] = []
    if commands:
        begins, _ = word_bounds(np.frombuffer(folded.data, np.uint8))
        starts = folded.raw_offsets(begins).tolist()
    named = [word in FORMULA_WORDS or bool(starts and starts[i] in commands) for i, word in enumerate(words)]
    like = [name or bool(VARIABLE.fullmatch(word)) for name, word in zip(named, words, strict=True)]
    result = [False] * len(words)
    i = 0
    while i < len(words):
        j = i
        while j < len(words) and like[j]:
            j += 1
        if j - i >= FORMULA_RUN or any(named[i:j]):
            result[i:j] = [True] * (j - i)
        i = j + 1
    return result


def item_words(items: Sequence[BenchmarkItem], filtered: bool) -> Words:
    """The words of some items, formulas marked when `filtered`."""
    import numpy as np

    text, kinds, counts = bytearray(), bytearray(), []
    for item in items:
        for section in item.sections:
            raw = without_markup(section.encode("utf-8", "replace").replace(SEPARATOR, b" "))
            folded = Folded(raw)
            words = folded.data.split()
            text += b"".join(word + b" " for word in words).translate(LETTERS_OF_DIGITS)
            kinds += bytes(formula_words(raw, folded, words)) if filtered else bytes(len(words))
            counts.append(len(words))
    data = np.frombuffer(bytes(text), np.uint8)
    spaces = np.flatnonzero(data == 32) + 1
    text_bounds = np.concatenate([np.zeros(1, np.int64), spaces])
    begins = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])
    return Words(
        text=bytes(text),
        text_bounds=text_bounds,
        hashes=hashed_words(data, text_bounds),
        bounds=begins[::3],
        questions=begins[1::3],
        answers=begins[2::3],
        kind=np.frombuffer(kinds, np.uint8).copy(),
        templates=np.zeros(len(items), bool),
    )


def same_texts(words: Words) -> np.ndarray:
    """For each item the first one with the same words: items that are given again under other ids share nothing."""
    import numpy as np

    first: dict[bytes, int] = {}
    edges = words.text_bounds[words.bounds]
    pairs = zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
    return np.array([first.setdefault(words.text[low:high], i) for i, (low, high) in enumerate(pairs)], np.uint32)


def hashed_words(data: np.ndarray, bounds: np.ndarray, slice_size: int = 2**17) -> np.ndarray:
    """The hashes of words that stand end to end, a space behind each; in slices of so many words."""
    import numpy as np

    parts = []
    for i in range(0, len(bounds) - 1, slice_size):
        edges = bounds[i : i + slice_size + 1] - bounds[i]
        parts.append(word_hashes(data[bounds[i] : bounds[i] + edges[-1]], edges[:-1], edges[1:] - 1))
    return np.concatenate(parts) if parts else np.zeros(0, np.uint64)


def item_windows(
    units: np.ndarray, bounds: np.ndarray, window: int, stride: int = 1
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """(where they begin, their items, their hashes) of the windows within items; every stride-th of each item.

    In slices, so that the sequence may be long.
    """
    import numpy as np

    for low in range(0, len(units), SLICE):
        begin = np.arange(low, min(low + SLICE, len(units)))
        item = np.searchsorted(bounds, begin, "right") - 1
        inside = (begin + window <= bounds[item + 1]) & ((begin - bounds[item]) % stride == 0)
        begin = begin[inside]
        hashes = window_hashes(units[low : low + SLICE + window - 1], window)
        yield begin.astype(np.uint32), item[inside].astype(np.uint32), hashes[begin - low]


def joined(parts: Iterable[Sequence[np.ndarray]]) -> list[np.ndarray]:
    """Columns of slices, each as one array."""
    import numpy as np

    return [np.concatenate(column) for column in zip(*parts, strict=True)]


def covered(starts: np.ndarray, window: int, size: int) -> np.ndarray:
    """Which units lie in one of the windows that begin at some places."""
    import numpy as np

    change = np.bincount(starts, minlength=size + 1)
    change -= np.bincount(starts.astype(np.int64) + window, minlength=size + 1)
    return np.cumsum(change[:size]) > 0


def shared_windows(words: Words, tasks: Sequence[str], limits: Mapping[str, int]) -> tuple[np.ndarray, np.ndarray]:
    """(where windows begin that more items of a task hold than its limit, alike ones once; where instructions do)"""
    import numpy as np

    none = np.zeros(0, np.uint32)
    if not len(words.hashes):
        return none, none
    begin, item, value = joined(item_windows(words.hashes, words.bounds, WORD_WINDOW))
    if not len(begin):
        return none, none
    known = begin[np.isin(value, instruction_hashes())]
    item = same_texts(words)[item]
    numbers = {name: i for i, name in enumerate(limits)}
    task = np.array([numbers[name] for name in tasks], np.uint64)
    key = value + (task * np.uint64(BYTE_BASE))[item]  # the same text of two tasks is not the same
    order = np.lexsort((item, key))
    key, item = key[order], item[order]
    first = np.concatenate([[True], key[1:] != key[:-1]])  # of the windows with one text
    holder = first | np.concatenate([[True], item[1:] != item[:-1]])
    groups = np.flatnonzero(first)
    holders = np.add.reduceat(holder, groups, dtype=np.int64)
    limit = np.array([limits[name] for name in tasks])[item[groups]]
    return begin[order[np.repeat(holders > limit, np.diff(np.append(groups, len(order))))]], known


@functools.cache
def instruction_hashes() -> np.ndarray:
    """The hashes of the windows of BOILERPLATE."""
    words = item_words([BenchmarkItem("", "", text) for text in BOILERPLATE], False)
    return joined(item_windows(words.hashes, words.bounds, WORD_WINDOW))[2]


def read_words(items: Sequence[BenchmarkItem], filter_: Filter) -> Words:
    """The words of the items with what the filter says of each."""
    import numpy as np

    words = item_words(items, filter_.on)
    if filter_.on:
        tasks = [item.task for item in items]
        limits = {task: filter_.limit(count) for task, count in Counter(tasks).items()}
        places = shared_windows(words, tasks, limits)
        by_items, known = (covered(starts, WORD_WINDOW, len(words.kind)) for starts in places)
        mark_templates(words, by_items & ~known, known)
        words.kind[(by_items & ~np.repeat(words.templates, np.diff(words.bounds))) | known] = SHARED
    return words


def mark_templates(words: Words, shared: np.ndarray, known: np.ndarray) -> None:
    """Mark items that are long but have too few words of their own: variants of one template, all of which counts."""
    import numpy as np

    totals = [np.concatenate([[0], np.cumsum(flags)])[words.bounds] for flags in (~known, ~(shared | known))]
    size, own = (np.diff(total) for total in totals)
    words.templates[:] = (size >= LONG_TEMPLATE) & (own < WORD_WINDOW)


def repeats_itself(units: np.ndarray, begin: np.ndarray, window: int) -> np.ndarray:
    """Which windows only repeat a few units ("0 0 0 0 ..."): they would match such text at every place."""
    import numpy as np

    views = np.lib.stride_tricks.sliding_window_view(units, window)
    found = np.zeros(len(begin), bool)
    for low in range(0, len(begin), 2**16):
        rows = views[begin[low : low + 2**16]]
        for period in range(1, window // 2 + 1):
            found[low : low + 2**16] |= (rows[:, period:] == rows[:, :-period]).all(axis=1)
    return found


def usable_windows(
    units: np.ndarray, bounds: np.ndarray, counted: np.ndarray, window: int, stride: int
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """(where they begin, their hashes, how many of their units count) of the windows that are looked up."""
    for begin, _, hashes in item_windows(units, bounds, window, stride):
        weight = counted[begin + window] - counted[begin]
        usable = weight >= LEAST_WEIGHT
        if usable.any():
            usable[usable] = ~repeats_itself(units, begin[usable], window)
        yield begin[usable], hashes[usable], weight[usable]


def make_index(
    units: np.ndarray,
    bounds: Sequence[np.ndarray],
    weights: np.ndarray,
    window: int,
    stride: int,
    least: int,
    text: np.ndarray,
    text_bounds: np.ndarray,
) -> Index:
    """The table of the windows of all items. bounds: of items, their questions, answers; weights: 1 where it counts."""
    import numpy as np

    bounds, questions, answers = bounds
    counted = np.zeros(len(units) + 1, np.int32)
    np.cumsum(weights, out=counted[1:])
    nothing = [np.zeros(0, kind) for kind in (np.uint32, np.uint64, np.int32)]
    positions, hashes, weight = joined([nothing, *usable_windows(units, bounds, counted, window, stride)])
    informative = np.zeros(len(units), bool)
    informative[positions] = weight >= INFORMATIVE
    order = np.argsort(hashes, kind="stable")
    hashes, positions = hashes[order], positions[order]
    first = np.ones(len(hashes), bool)
    np.not_equal(hashes[1:], hashes[:-1], out=first[1:])
    offsets = np.append(np.flatnonzero(first), len(hashes)).astype(np.uint32)
    hashes = hashes[first]
    return Index(
        window=window,
        stride=stride,
        least=least,
        longest=int(np.diff(bounds).max(initial=0)),
        units=units,
        bounds=bounds.astype(np.int64),
        questions=questions.astype(np.int64),
        answers=answers.astype(np.int64),
        counted=counted,
        hashes=hashes,
        offsets=offsets,
        positions=positions,
        bits=make_filter(hashes),
        text=text,
        text_bounds=text_bounds,
        informative=informative,
    )


def make_filter(hashes: np.ndarray) -> np.ndarray:
    """Two filters: a bit for each hash, in so many bytes that few bits are set."""
    import numpy as np

    size = 1 << max(10, (len(hashes) * BITS_PER_WINDOW // 8).bit_length())
    filters = []
    for which in (0, 1):
        bits = np.zeros(size * 8, bool)
        bits[filter_slots(hashes, size, which)] = True
        filters.append(np.packbits(bits, bitorder="little"))
    return np.stack(filters)


def word_index(words: Words, least: int) -> Index:
    """The index for the rules that count words; a formula counts as one."""
    import numpy as np

    formula = words.kind == FORMULA
    inner = np.zeros(len(formula), bool)  # words of a formula behind its first
    inner[1:] = formula[1:] & formula[:-1]
    begins = words.bounds[:-1]
    inner[begins[begins < len(inner)]] = False
    weights = (words.kind != SHARED) & ~inner
    text = np.frombuffer(words.text, np.uint8)
    bounds = words.bounds, words.questions, words.answers
    return make_index(words.hashes, bounds, weights, WORD_WINDOW, 1, least, text, words.text_bounds)


def character_index(words: Words, least: int) -> Index:
    """The index for the rule that counts letters and digits; those of formulas and boilerplate do not count."""
    import numpy as np

    text = np.frombuffer(words.text, np.uint8)
    sizes = np.diff(words.text_bounds) - 1
    units = text[text != 32]
    ends = np.concatenate([[0], np.cumsum(sizes)])
    own = np.repeat(words.kind == OWN, sizes)
    weights = own & ((units & 0xC0) != 0x80)  # the first byte of each character
    none = np.zeros(0, np.uint8)
    bounds = ends[words.bounds], ends[words.questions], ends[words.answers]
    return make_index(units, bounds, weights, CHARACTER_WINDOW, CHARACTER_STRIDE, least, none, none.astype(np.int64))
