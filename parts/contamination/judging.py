"""From matches to clean, suspect or too short to judge."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from parts.contamination.scanning import SHOWN_MATCHES
from parts.contamination.vocabulary import CLEAN, SUSPECT, TOO_SHORT, BenchmarkItem, Facts, Found, Index, Judged, Rule

if TYPE_CHECKING:
    import numpy as np


def judge_items(
    items: Sequence[BenchmarkItem], rules: Sequence[Rule], words: Index, characters: Index | None, found: Found
) -> list[Judged]:
    """Every item with what was found of it."""
    import numpy as np

    seen = np.zeros(len(words.informative), bool)
    for part in found.seen:
        seen[part] = True
    judged = []
    for i, item in enumerate(items):
        facts = item_facts(i, words, characters, seen, found)
        status = {rule.name: item_status(rule, facts) for rule in rules}
        matches = [*found.matches.get(("words", i), ()), *found.matches.get(("characters", i), ())]
        counts = [found.places[unit, i] for unit in ("words", "characters")]
        judged.append(Judged(item, facts, status, tuple(matches[:SHOWN_MATCHES]), max(counts)))
    return judged


def item_facts(i: int, words: Index, characters: Index | None, seen: np.ndarray, found: Found) -> Facts:
    """What was found of an item."""
    low, high = int(words.bounds[i]), int(words.bounds[i + 1])
    informative = words.informative[low:high]
    best = found.matches.get(("words", i))
    letters, best_letters = 0, None
    if characters is not None:
        first, last = characters.bounds[i], characters.bounds[i + 1]
        letters = int(characters.counted[last] - characters.counted[first])
        best_letters = found.matches.get(("characters", i))
    return Facts(
        words=high - low,
        counted=int(words.counted[high] - words.counted[low]),
        longest=best[0].counted if best else 0,
        windows=int(informative.sum()),
        windows_found=int((informative & seen[low:high]).sum()),
        characters=letters,
        longest_characters=best_letters[0].counted if best_letters else 0,
    )


def item_status(rule: Rule, facts: Facts) -> str:
    """The rule's answer about an item; one that has less text of its own than the rule needs cannot be judged."""
    if rule.measure == "windows":
        if facts.counted < rule.length or not facts.windows:
            return TOO_SHORT
        return SUSPECT if facts.windows_found >= least_share(rule, facts.windows) else CLEAN
    length = facts.counted if rule.unit == "words" else facts.characters
    longest = facts.longest if rule.unit == "words" else facts.longest_characters
    if length < rule.length:
        return TOO_SHORT
    return SUSPECT if longest >= max(rule.length, least_share(rule, length)) else CLEAN


def least_share(rule: Rule, whole: int) -> int:
    """The fewest parts of a whole that are the rule's share of it: 55 % of 100 are 55, though 0.55 * 100 is more."""
    return math.ceil(rule.share * whole - 1e-9)
