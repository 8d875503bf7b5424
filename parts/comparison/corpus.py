"""Two sides' scores of a whole corpus (WER, perplexity, BLEU, F1, ...) compared by their items' statistics.

Takes a row with its sides and the items that both have; gives it back with the scores over these items, the evidence of
the paired bootstrap, and the p-value of approximate randomization; or with the reason why there is none. Also how far
items that either side lost could move its score: lost as an answer that is empty, or wrong, or perfect.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from parts.comparison.vocabulary import Basis, CorpusItems, ItemId, Row, Side
from parts.frame import ScriptError
from parts.statistics.corpus import FORMULAS, classes_of, statistics_array
from parts.statistics.corpus_draws import Resampled, drawn_scores, draws_for, randomization_p
from parts.statistics.corpus_interval import interval_by_items
from parts.statistics.item_statistics import PER_LENGTH, statistic_of
from parts.statistics.possible import extreme, possible_scores

FEW_UNITS = 10  # independent items or clusters: with fewer there is no verdict
FEW_CHANGED = 10  # below, the draws cannot show how large changes are
MOST_OTHER_LENGTHS, SAME_LENGTH = 0.05, 1e-6  # share of items; of a length that was written as a number
SEED = 20_260_101  # the answer to a question does not change when it is asked again
ItemStatistics = dict[ItemId, list[tuple[Any, ...]]]


def formula_of_sides(sides: Sequence[Side]) -> tuple[str, str]:
    """(formula of both sides, "") or ("", why there is none)."""
    runs = [run for side in sides for run in side.runs]
    found = {run.formula for run in runs}
    if len(found) == 1 and "" not in found:
        return runs[0].formula, ""
    aggregation = next(run.aggregation for run in runs if not run.formula or run.aggregation != "mean")
    return "", f"corpus-level score ({aggregation}): no interval without the items' own statistics"


def side_statistics(side: Side, formula: str, lost: bool = False) -> ItemStatistics:
    """The statistics of a side's items, one for each time that they were asked. ScriptError for damaged ones.

    lost: instead those of empty answers to its lost items, where their lines have them.
    """
    found: ItemStatistics = {}
    for run in side.runs:
        answers = [{name: answer.fields for name, answer in repeat.items()} for repeat in run.repeats]
        for repeat in [run.lost_fields] if lost else answers:
            for name, fields in repeat.items():
                try:
                    statistic = statistic_of(fields, formula)
                except ValueError as error:
                    raise ScriptError(f"{run.file}: item {name}: {error}; evaluate again") from error
                if statistic is not None:
                    found.setdefault((run.subtask, name), []).append(statistic)
    return found


def side_rows(found: ItemStatistics, names: Sequence[ItemId], formula: str, classes: Sequence[str]) -> Any:
    """(items, d) statistics of a side, an item's repeats averaged."""
    import numpy as np

    rows = statistics_array([one for name in names for one in found[name]], formula, classes)
    counts = np.array([len(found[name]) for name in names])
    if (counts == 1).all():
        return rows
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    return np.add.reduceat(rows, starts, axis=0) / counts[:, None]


def with_corpus(row: Row, names: Sequence[ItemId], unsaid: str) -> Row:
    """The row with the scores over the items that both sides have, and what their statistics show.

    unsaid: why the items may not be taken as independent, if so.
    """
    recorded = [side.runs[0].score for side in row.sides]
    formula, why = formula_of_sides(row.sides)
    found = [side_statistics(side, formula) for side in row.sides] if formula else []
    names = [name for name in names if all(name in own for own in found)] if formula else []
    if formula and not names:
        why = "corpus-level score: the items have no statistics"
    why = why or other_lengths(found, names, formula)
    if why:
        return replace(row, baseline_score=recorded[0], score=recorded[1], basis=Basis(None, why))
    items = corpus_items(row.sides, found, names, formula)
    scores = [items.scale * FORMULAS[formula].of(own) for own in items.rows]
    if not all(map(math.isfinite, scores)):
        return replace(row, baseline_score=recorded[0], score=recorded[1], basis=Basis(None, "not defined", len(names)))
    basis = corpus_basis(items, row.sign, swing_of(items, scores)) if not unsaid else Basis(None, unsaid, len(names))
    return replace(row, baseline_score=scores[0], score=scores[1], basis=basis, corpus=items)


def other_lengths(found: Sequence[ItemStatistics], names: Sequence[ItemId], formula: str) -> str:
    """Why two perplexities are of unlike units: the same texts are counted as unlike many tokens; "" where they are
    not. A model whose tokenizer makes more tokens of a text has a lower perplexity of each with the same likelihood."""
    if formula not in PER_LENGTH:
        return ""
    lengths = [(found[0][name][0][1], found[1][name][0][1]) for name in names]
    unlike = [pair for pair in lengths if abs(pair[0] - pair[1]) > SAME_LENGTH * max(map(abs, pair))]
    if len(unlike) <= MOST_OTHER_LENGTHS * len(lengths):
        return ""
    first, second = (math.fsum(own) for own in zip(*lengths, strict=True))
    return (
        f"the same texts are {first:,.0f} and {second:,.0f} tokens, words or bytes: scores of unlike units, as of two "
        "tokenizers; word_perplexity or bits_per_byte has the same for both"
    )


def corpus_items(sides: Sequence[Side], found: Sequence[ItemStatistics], names: Sequence[ItemId], formula: str) -> Any:
    """The paired statistics, in an order that they alone decide, and what the items share."""
    import numpy as np

    classes = classes_of([one for own in found for name in names for one in own[name]], formula)
    one, two = (side_rows(own, names, formula, classes) for own in found)
    place = np.argsort(np.argsort([str(name) for name in names]))
    order = np.lexsort((place, *np.abs(one - two).T, *(one + two).T))  # the same whichever side comes first
    groups = [sides[1].answers[name].group or sides[0].answers[name].group for name in names]
    shared = [(names[i][0], groups[i]) if groups[i] is not None else names[i] for i in order]
    numbers: dict[Any, int] = {}
    codes = np.array([numbers.setdefault(name, len(numbers)) for name in shared])
    return CorpusItems(
        formula,
        (one[order], two[order]),
        codes if len(numbers) < len(codes) else None,
        tuple(names[i] for i in order),
        tuple(classes),
        sides[0].runs[0].scale,
    )


def corpus_basis(items: CorpusItems, sign: int, swing: float | None) -> Basis:
    """The evidence in paired statistics; `swing`: how much the score would change if all items did."""
    import numpy as np

    n, groups = len(items.rows[0]), items.groups
    units = n if groups is None else int(groups.max()) + 1
    what = "items" if groups is None else "clusters"
    if units < FEW_UNITS:
        return Basis(None, f"too few {what} ({units}) to show how much they differ", n)
    off, told = fewest_off(items)
    if off < FEW_CHANGED and (swing is None or groups is not None):
        return Basis(None, f"{told}, and nothing bounds how much one may", n)
    draws = draws_for(items.formula, n)
    scores = items.scale * drawn_scores(items.formula, items.rows, groups, draws, [SEED])
    drawn = np.sort(sign * (scores[1] - scores[0]))
    if not np.isfinite(drawn).all():
        drawn = drawn[np.isfinite(drawn)]
        if len(drawn) < 0.975 * draws:
            return Basis(None, "the score is not defined in many draws of the items", n)
    error = float(drawn.std(ddof=1)) * math.sqrt(units / (units - 1))
    few = {"changed": float(off), "swing": swing} if off < FEW_CHANGED else {}
    p = randomization_p(items.formula, *items.rows, groups, draws, [SEED, 1])
    words = f"paired bootstrap over {units:,} {what}, {draws:,} draws (p: approximate randomization)"
    words += f"; {told}: with the exact bound of those that were not met" if few else ""
    found = [
        interval_by_items(items.formula, rows, groups, own / items.scale)
        for rows, own in zip(items.rows, scores, strict=True)
    ]
    ends = tuple(None if one is None else (items.scale * one[0], items.scale * one[1]) for one in found)
    return Basis(
        Resampled(drawn, error, units - 1, **few), words, n, error**2 * n or None, p_difference=p, score_intervals=ends
    )


def fewest_off(items: CorpusItems) -> tuple[int, str]:
    """(how many items differ otherwise than most, that in words): most may be alike, or all differ by the same.

    Draws of items that all differ by the same are all alike and show no spread. Scores by rank are not made of sums: a
    shift of all changes none.
    """
    import numpy as np

    one, two = items.rows
    changed = int((one != two).any(axis=1).sum())
    told = f"only {changed} items differ"
    if FORMULAS[items.formula].by_rows:
        return changed, told
    common = int(np.unique(two - one, axis=0, return_counts=True)[1].max())
    off = len(one) - common
    if off >= changed or 2 * common < len(one):
        return changed, told
    return off, f"only {off} items differ otherwise than the {common} that all differ by the same"


def swing_of(items: CorpusItems, scores: Sequence[float]) -> float | None:
    """How far the candidate's score is from that of wholly wrong answers; None where nothing is the worst."""
    import numpy as np

    worst = [extreme(row, items.formula, best=False) for row in items.rows[0]]
    if any(one is None for one in worst):
        return None

    end = items.scale * FORMULAS[items.formula].of(np.array(worst))
    return max(abs(end - score) for score in scores) if math.isfinite(end) else None


def corpus_ends(row: Row) -> list[tuple[float, float]] | None:
    """(lowest, highest) score of each side over the items that both were asked, whatever its lost attempts had been.

    A lost one is anything from an answer that is empty or wrong to a perfect one, by what its reference adds: as the
    other side's statistics have it, or its own line. None where neither does, or an answer has no best or worst.
    """
    items, sides = row.corpus, row.sides
    formula = items.formula
    found = [side_statistics(side, formula) for side in sides]
    asked = [side.lost.union(own) for own, side in zip(found, sides, strict=True)]
    names = sorted(asked[0] & asked[1] & {*items.names, *sides[0].lost, *sides[1].lost})
    empty = [side_statistics(side, formula, lost=True) for side in sides]
    references = {name: next((own[name][0] for own in (*found, *empty) if name in own), None) for name in names}
    if None in references.values():
        return None
    every = [*references.values(), *(one for own in found for rows in own.values() for one in rows)]
    made = []
    for side, own in zip(sides, found, strict=True):
        times = sum(len(run.repeats) for run in side.runs)
        if FORMULAS[formula].by_rows and times > 1:
            return None
        known = [one for name in names for one in own.get(name, ())]
        lost = {name: times - len(own.get(name, ())) for name in names if len(own.get(name, ())) < times}
        one = possible_scores(known, [references[name] for name in lost], list(lost.values()), times, formula, every)
        if one is None:
            return None
        made.append((items.scale * one[0], items.scale * one[1]))
    return made
