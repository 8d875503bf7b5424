"""What a score of a whole corpus could be, had the answers that were lost been any others.

Takes the statistics of the answers that are there and, of each lost one, a statistic that has its reference's part
(of any other answer to it); gives the lowest and the highest score. A lost answer is anything from an empty or wrong
one to a perfect one; insertions without end are left out of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from parts.statistics.corpus import FORMULAS, classes_of, statistics_array


def possible_scores(
    known: Sequence[tuple[Any, ...]],
    references: Sequence[tuple[Any, ...]],
    counts: Sequence[int],
    times: int,
    formula: str,
    every: Sequence[tuple[Any, ...]],
) -> tuple[float, float] | None:
    """(lowest, highest) score; None where an answer has no best or worst, or the score is not defined.

    counts: how often each of `references` was lost, of `times` that it was asked. every: all statistics that say what
    the classes are.
    """
    import numpy as np

    rule, unsaid = FORMULAS[formula], [("", "")] if FORMULAS[formula].labels and formula != "f1_macro" else []
    classes = classes_of([*every, *unsaid], formula)  # with that of an answer that says nothing
    rows = statistics_array(known, formula, classes) / (1 if rule.by_rows else times)
    if not references:
        score = rule.of(rows)
        return (score, score) if math.isfinite(score) else None
    weights, scores = np.array(counts)[:, None] / times, []
    for fill in possible_answers(references, formula, classes, rows):
        if fill is None:
            return None
        scores.append(rule.of(np.concatenate([rows, weights * fill])))
    return (min(scores), max(scores)) if scores and all(map(math.isfinite, scores)) else None


def possible_answers(
    references: Sequence[tuple[Any, ...]], formula: str, classes: Sequence[str], known: Any
) -> Iterator[Any]:
    """(items, d) statistics of answers between which all others lie: perfect ones, and each kind of wrong ones.

    references: a statistic of each item, of any answer. known: those of the scored ones. None: nothing is the best.
    """
    import numpy as np

    rule = FORMULAS[formula]
    if rule.labels:
        wanted = [row[0] for row in references]
        yield statistics_array([(label, label) for label in wanted], formula, classes)
        for i, label in enumerate([None if formula == "f1_macro" else "", *classes]):
            other = classes[i % len(classes)]  # where the class itself is wanted, the next one is wrong
            said = [other if one == label else label for one in wanted]
            yield statistics_array(list(zip(wanted, said, strict=True)), formula, classes)
        return
    rows = np.array(references, float)
    if rule.by_rows and formula in ("auroc", "average_precision"):
        for sign in (1, -1):
            place = np.where(rows[:, 1] > 0, sign, -sign) * (1 + np.abs(known[:, 0]).max())
            yield np.stack([place, rows[:, 1]], axis=1)
        return
    for best in (True, False):
        found = [extreme(row, formula, best) for row in rows]
        yield None if any(one is None for one in found) else np.array(found)
    if formula == "f1" and rows[:, 1].all() and known[:, 1].all():  # of all classes: another one may have been said
        yield np.stack([0 * rows[:, 0], rows[:, 1], rows[:, 1]], axis=1)


def extreme(row: Any, formula: str, best: bool) -> Any:
    """The statistics that an item would have with a perfect answer, or (best false) with none that is right.

    By the reference's part of the statistics that any answer to it has: its length, its n-grams, its class. None where
    an answer has no best or worst: a likelihood, a score that is correlated.
    """
    import numpy as np

    if formula in ("ratio", "percent_ratio"):  # the worst: everything deleted, as by an empty answer
        return np.array([0.0 if best else row[1], row[1]])
    if formula == "bleu":
        most = np.maximum(row[9] - np.arange(4), 0)
        return np.array([*most, *most, row[9], row[9]]) if best else np.array([*[0.0] * 9, row[9]])
    if formula == "chrf":
        found = np.zeros_like(row)
        found[1::3] = row[1::3]
        if best:
            found[0::3] = found[2::3] = row[1::3]
        return found
    if formula == "f1":
        return np.array([row[1], row[1], row[1]]) if best else np.array([0.0, row[1], 1.0 if row[1] == 0 else 0.0])
    if FORMULAS[formula].labels:
        count = len(row) // 3
        wanted = row[count : 2 * count]
        return np.concatenate([wanted if best else 0 * wanted, wanted, wanted if best else 0 * wanted])
    return None
