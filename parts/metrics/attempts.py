"""Several attempts at one item: they make one value of it before items are averaged, so that all items weigh alike.

Takes scored items (lines of one id differ in their attempt); gives item means, and items with their attempts put
together where these are unequal in number, which a samples file cannot tell line by line.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from parts.metrics.vocabulary import Item, Scores

if TYPE_CHECKING:
    import numpy as np


def unequal_attempts(items: Sequence[Item]) -> bool:
    """Whether some items were tried more often than others."""
    if all(item.attempt is None for item in items):
        return False
    return len(set(Counter(item.id for item in items).values())) > 1


def item_means(values: np.ndarray, items: Sequence[Item]) -> tuple[np.ndarray, list[str | None]]:
    """(the mean of each item's attempts, what the items share beside being attempts at one)."""
    import numpy as np

    found: dict[str, list[float]] = defaultdict(list)
    groups: dict[str, str | None] = {}
    for item, value in zip(items, values.tolist(), strict=True):
        found[item.id].append(value)
        groups[item.id] = item.group or item.id
    return np.array([math.fsum(own) / len(own) for own in found.values()]), list(groups.values())


def put_together(scores: Scores, unparsed: Sequence[Item]) -> tuple[Scores, list[Item]]:
    """Scores of items with all their attempts in one, and the unparsed items of which no attempt has a score."""
    import numpy as np

    made = Counter(item.id for item in (*scores.items, *unparsed))
    known: dict[str, list[tuple[Item, float]]] = defaultdict(list)
    without: dict[str, tuple[Item, str]] = {}
    for i, (item, value) in enumerate(zip(scores.items, scores.values.tolist(), strict=True)):
        if i in scores.reasons:
            without.setdefault(item.id, (item, scores.reasons[i]))
        else:
            known[item.id].append((item, value))
    items, values, reasons = [], [], {}
    for id, own in known.items():
        items.append(whole_item([item for item, _ in own], made[id], len(own)))
        values.append(math.fsum(value for _, value in own) / len(own))
    for id, (item, reason) in without.items():
        if id not in known:
            reasons[len(items)] = reason
            items.append(whole_item([item], made[id], 0))
            values.append(math.nan)
    left: dict[str, Item] = {}
    for item in unparsed:
        if item.id not in known and item.id not in without:
            left.setdefault(item.id, item)
    details: dict[str, Any] = {"attempts": made.total(), "scored": sum(map(len, known.values()))}
    fewest, most = min(made.values()), max(made.values())
    notes = [*scores.notes, f"items have {fewest} to {most} attempts: averaged per item first"]
    done = replace(
        scores,
        items=items,
        values=np.array(values),
        reasons=reasons,
        notes=notes,
        details={**scores.details, **details},
    )
    return done, [whole_item([item], made[item.id], 0) for item in left.values()]


def whole_item(own: Sequence[Item], made: int, scored: int) -> Item:
    """One item of some attempts, with how many were made and how many have a score."""
    group = None if own[0].group == own[0].id else own[0].group
    outputs = tuple(text for item in own for text in item.outputs)
    more = (*own[0].more, ("attempts", str(made)), ("scored", str(scored)))
    return own[0]._replace(attempt=None, group=group, outputs=outputs, more=more)
