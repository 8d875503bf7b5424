"""Scores of a whole corpus (WER, perplexity, BLEU) over checkpoints: draws, halves, intervals from items' statistics.

Takes the aligned items of a task with what each adds for each checkpoint; gives arrays like those of means.
"""

from __future__ import annotations

import math
from typing import Any

from parts.statistics.corpus_draws import drawn_scores, draws_for, half_scores
from parts.statistics.corpus_interval import interval_by_items
from parts.statistics.intervals import Interval, ItemScores


def corpus_groups(items: ItemScores) -> tuple[Any, int]:
    """(the number of what each item shares, or None; how many units are drawn)."""
    import numpy as np

    found, numbers = np.unique(items.clusters, return_inverse=True)
    return (None, len(numbers)) if len(found) == len(numbers) else (numbers, len(found))


def corpus_scores_drawn(items: ItemScores, draws: int, seed: list[int]) -> Any:
    """(checkpoints, draws) bootstrap draws of the scores, stretched about them as those of means are.

    Scores by rank are computed draw by draw: so many as are affordable, each of them used again.
    """
    import numpy as np

    groups, units = corpus_groups(items)
    made = min(draws, draws_for(items.formula, len(items.item_ids)))
    drawn = items.scale * drawn_scores(items.formula, list(items.statistics), groups, made, seed)
    middle = np.nanmean(drawn, axis=1, keepdims=True)
    drawn = np.where(np.isfinite(drawn), drawn, middle)
    stretched = middle + (drawn - middle) * math.sqrt(units / (units - 1))
    return np.tile(stretched, math.ceil(draws / made))[:, :draws].astype(np.float32)


def corpus_scores_halved(items: ItemScores, splits: int, seed: list[int]) -> Any:
    """The scores on halves of the items, (2, checkpoints, 2 splits)."""
    return items.scale * half_scores(items.formula, list(items.statistics), corpus_groups(items)[0], splits, seed)


def corpus_interval(items: ItemScores, place: int) -> Interval | None:
    """The 95 % interval of one checkpoint's score, or None."""
    import numpy as np

    there, (groups, _) = np.isfinite(items.scores[place]), corpus_groups(items)
    groups = None if groups is None else np.unique(groups[there], return_inverse=True)[1]
    found = interval_by_items(items.formula, items.statistics[place][there], groups)
    return None if found is None else Interval(items.scale * found[0], items.scale * found[1], found[2])
