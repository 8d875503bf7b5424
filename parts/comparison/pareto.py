"""Pareto comparison of several metrics at once."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from parts.comparison.pairs import part_factors
from parts.comparison.rows import Question, first_corpus_level
from parts.comparison.vocabulary import NOT_COMPARABLE, Pareto, Row

if TYPE_CHECKING:
    import numpy as np

NUMBERS_AT_ONCE = 2**21
RANDOM_SEED = 20_260_101  # the answer to a question does not change when it is asked again
PARETO_DRAWS = 4_000


def pareto_of(rows: Sequence[Row], question: Question) -> Pareto | None:
    """P(Pareto-optimal) of baseline and candidates by a joint paired bootstrap over the items that all of them have.

    Each draw takes the same items (or clusters) for all results; benchmarks are drawn independently. None when no
    gated benchmark has items for all.
    """
    import numpy as np

    names = [question.baseline.name, *(model.name for model in question.candidates)]
    by_label: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if (
            row.blocking
            and row.pairs is not None
            and row.verdict != NOT_COMPARABLE
            and not first_corpus_level(row.sides)
        ):
            by_label[row.label].append(row)
    whole = {label: found for label, found in by_label.items() if len(found) == len(question.candidates)}
    rng = np.random.default_rng(RANDOM_SEED)
    drawn, points, items, used = [], [], 0, []
    for label in sorted(whole):
        scores, groups = joint_scores(whole[label])
        if not len(groups):
            continue
        used.append(label)
        items += len(groups)
        totals = np.stack([np.bincount(groups, column) for column in scores.T], axis=1)
        sizes = np.bincount(groups).astype(float)
        points.append(scores.mean(axis=0))
        drawn.append(resampled_means(totals, sizes, rng))
    if not used:
        return None
    optimal = undominated(np.stack(drawn, axis=2)).mean(axis=0)
    front = undominated(np.stack(points, axis=1)[None])[0]
    return Pareto(
        tuple(used),
        {name: float(p) for name, p in zip(names, optimal, strict=True)},
        tuple(name for name, on in zip(names, front, strict=True) if on),
        items,
    )


def joint_scores(rows: Sequence[Row]) -> tuple[np.ndarray, np.ndarray]:
    """(items x results, oriented so that more is better; group numbers) over the items that all results have."""
    import numpy as np

    sides = [rows[0].sides[0], *(row.sides[1] for row in rows)]
    common = set(sides[0].scores).intersection(*(side.scores for side in sides[1:]))
    lines, factors = [], part_factors(common, rows[0].parts_once)
    for name in common:
        values = tuple(factors[name[0]] * math.fsum(side.scores[name]) / len(side.scores[name]) for side in sides)
        group = sides[0].answers[name].group
        lines.append((values, (name[0], group) if group is not None else name))
    lines.sort()
    numbers: dict[Any, int] = {}
    groups = np.array([numbers.setdefault(line[1], len(numbers)) for line in lines], int)
    return rows[0].sign * np.array([line[0] for line in lines], float).reshape(-1, len(sides)), groups


def resampled_means(totals: np.ndarray, sizes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(draws x results) means of resampled units, given each unit's total scores and number of items."""
    import numpy as np

    count = len(sizes)
    means = np.empty((PARETO_DRAWS, totals.shape[1]))
    step = max(1, NUMBERS_AT_ONCE // count)
    for begin in range(0, PARETO_DRAWS, step):
        draws = min(step, PARETO_DRAWS - begin)
        picked = rng.integers(0, count, (draws, count)) + count * np.arange(draws)[:, None]
        weights = np.bincount(picked.ravel(), minlength=draws * count).reshape(draws, count)
        means[begin : begin + draws] = (weights @ totals) / (weights @ sizes)[:, None]
    return means


def undominated(scores: np.ndarray) -> np.ndarray:
    """(draws x results): whether no other result is at least as good everywhere and better somewhere.

    scores: draws x results x benchmarks.
    """
    import numpy as np

    results = scores.shape[1]
    optimal = np.ones(scores.shape[:2], bool)
    for i in range(results):
        for j in range(results):
            if i != j:
                gap = scores[:, j] - scores[:, i]
                optimal[:, i] &= ~((gap >= -1e-12).all(axis=1) & (gap > 1e-12).any(axis=1))
    return optimal
