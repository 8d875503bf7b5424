"""From matches to clean, suspect or too short to judge."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from parts.contamination.items import LONG_TEMPLATE
from parts.contamination.scanning import SHOWN_MATCHES
from parts.contamination.vocabulary import CLEAN, SUSPECT, TOO_SHORT, BenchmarkItem, Facts, Found, Index, Judged, Rule

if TYPE_CHECKING:
    import numpy as np

WHOLE_ITEM, QUESTION, ANSWER = "whole", "question", "answer"
PARTICULAR = 13  # words of an answer that are found alone
STOCK_WORDS, STOCK_PLACES = 13, 10  # a shorter run of several items at more places is a stock phrase


def judge_items(
    items: Sequence[BenchmarkItem],
    rules: Sequence[Rule],
    words: Index,
    characters: Index | None,
    found: Found,
    templates: Sequence[bool],
) -> list[Judged]:
    """Every item with what was found of it."""
    import numpy as np

    seen = np.zeros(len(words.informative), bool)
    for part in found.seen:
        seen[part] = True
    stock = stock_phrases(found)
    judged = []
    for i, item in enumerate(items):
        facts = {
            name: section_facts(i, name, words, characters, seen, found, bool(templates[i]))
            for name in ((WHOLE_ITEM, QUESTION, ANSWER) if item.answer or item.context else (WHOLE_ITEM,))
        }
        results = {rule.name: judged_parts(rule, facts, i in stock) for rule in rules}
        matches = [*found.matches.get(("words", i), ()), *found.matches.get(("characters", i), ())]
        counts = [found.places[unit, i] for unit in ("words", "characters")]
        status = {name: one for name, (one, _) in results.items()}
        parts = {name: part for name, (one, part) in results.items() if one == SUSPECT}
        judged.append(Judged(item, facts[WHOLE_ITEM], status, tuple(matches[:SHOWN_MATCHES]), max(counts), parts))
    return judged


def stock_phrases(found: Found) -> set[int]:
    """Items of which no more was found than a phrase that several of them share and that stands in many places."""
    many: dict[str, int] = {}
    best = {i: matches[0] for (unit, i), matches in found.matches.items() if unit == "words" and matches}
    short = {i: match.text.casefold() for i, match in best.items() if match.counted < STOCK_WORDS}
    for i, text in short.items():
        many[text] = max(many.get(text, 0), found.places["words", i])
    items: dict[str, int] = {}
    for text in short.values():
        items[text] = items.get(text, 0) + 1
    return {i for i, text in short.items() if items[text] > 1 and many[text] + items[text] > STOCK_PLACES}


def judged_parts(rule: Rule, facts: Mapping[str, Facts], stock: bool) -> tuple[str, str]:
    """(the rule's answer about an item, which part of it was found)

    The item is suspect when its whole is, or its question or its answer alone; it cannot be judged when none can.
    """
    answers = {name: item_status(rule, one) for name, one in facts.items()}
    found = [name for name, answer in answers.items() if answer == SUSPECT]
    found = [name for name in found if name != ANSWER or facts[name].counted >= PARTICULAR]
    if stock and not any(facts[name].longest >= facts[name].counted for name in found):
        found = []
    if found:
        answer = facts.get(ANSWER)
        beside = answer is not None and answer.counted and answer.passage >= max(1, least_share(rule, answer.counted))
        parts = [name for name in (QUESTION, ANSWER) if name in found or (name == ANSWER and beside)]
        return SUSPECT, " and ".join(parts) or WHOLE_ITEM
    return (TOO_SHORT if set(answers.values()) == {TOO_SHORT} else CLEAN), ""


def section_facts(
    i: int, name: str, words: Index, characters: Index | None, seen: np.ndarray, found: Found, template: bool
) -> Facts:
    """What was found of an item, its question or its answer."""
    place = (WHOLE_ITEM, QUESTION, ANSWER).index(name)
    low, high = section(words, i, name)
    informative = words.informative[low : max(low, high - words.window + 1 if place else high)]
    run, passage, letters_run = (
        found.longest.get(key, (0, 0, 0))[place]
        for key in (("words", i, "run"), ("words", i, "passage"), ("characters", i, "run"))
    )
    letters = 0
    if characters is not None:
        first, last = section(characters, i, name)
        letters = int(characters.counted[last] - characters.counted[first])
    return Facts(
        words=high - low,
        counted=int(words.counted[high] - words.counted[low]),
        longest=run,
        passage=max(run, passage),
        windows=int(informative.sum()),
        windows_found=int((informative & seen[low : low + len(informative)]).sum()),
        characters=letters,
        longest_characters=letters_run,
        template=template,
    )


def section(index: Index, i: int, name: str) -> tuple[int, int]:
    """Where an item, its question or its answer begins and ends in an index."""
    low, high, answer = int(index.bounds[i]), int(index.bounds[i + 1]), int(index.answers[i])
    return {WHOLE_ITEM: (low, high), QUESTION: (int(index.questions[i]), answer), ANSWER: (answer, high)}[name]


def item_status(rule: Rule, facts: Facts) -> str:
    """The rule's answer about a text; one that has less of its own than the rule needs cannot be judged."""
    if facts.template:
        if facts.counted < max(LONG_TEMPLATE, rule.length if rule.unit == "words" else 0):
            return TOO_SHORT
        return SUSPECT if facts.longest >= facts.counted else CLEAN
    if rule.measure == "windows":
        if facts.counted < rule.length or not facts.windows:
            return TOO_SHORT
        return SUSPECT if facts.windows_found >= least_share(rule, facts.windows) else CLEAN
    length = facts.counted if rule.unit == "words" else facts.characters
    longest = facts.passage if rule.measure == "passage" else facts.longest
    if rule.unit == "characters":
        longest = facts.longest_characters
    if length < rule.length:
        return TOO_SHORT
    return SUSPECT if longest >= max(rule.length, least_share(rule, length)) else CLEAN


def least_share(rule: Rule, whole: int) -> int:
    """The fewest parts of a whole that are the rule's share of it: 55 % of 100 are 55, though 0.55 * 100 is more."""
    return math.ceil(rule.share * whole - 1e-9)
