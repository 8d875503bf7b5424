"""What an item of a foreign run adds to a score of the whole corpus (BLEU, chrF, TER, F1, MCC), by the field's library.

Takes the [wanted, said] that lm-eval keeps of each item for such a metric; gives its statistic as
parts/statistics/item_statistics.py has it. Whether these make the file's own score is for the caller to see: only then
do they go into the record.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

from parts.statistics.item_statistics import score_of_items

# How lm-eval calls what adds up items -> the formula of their statistics.
CORPUS_RULES = {"bleu": "bleu", "chrf": "chrf", "ter": "percent_ratio", "f1": "f1", "f1_score": "f1"}
CORPUS_RULES |= {"mcc": "mcc", "matthews_corrcoef": "mcc"}
SAME_CORPUS_SCORE = 1e-6


@cache
def text_scorer(rule: str) -> Any:
    """sacrebleu's scorer with its defaults, as lm-eval calls it."""
    from sacrebleu.metrics import BLEU, CHRF, TER

    return {"bleu": BLEU, "chrf": CHRF, "ter": TER}[rule]()


def corpus_statistic(rule: str | None, value: Any) -> list[Any] | None:
    """The statistic of one item's [wanted, said]; None where it is none of a rule that is known."""
    formula = CORPUS_RULES.get(str(rule))
    if formula is None or not isinstance(value, list) or len(value) != 2:
        return None
    wanted, said = value
    if formula in ("f1", "mcc"):
        if not all(isinstance(label, str | int | bool) for label in value):
            return None
        if formula == "mcc":
            return [str(wanted), str(said)]
        one, other = (label in (1, "1") for label in value)  # scikit-learn's positive class
        return [int(one and other), int(one), int(other)]
    references = wanted if isinstance(wanted, list) else [wanted]
    if not references or not all(isinstance(text, str) for text in (said, *references)):
        return None
    found = text_scorer(str(rule))._extract_corpus_statistics([said], [[text] for text in references])[0]
    return [*found[2:], *found[:2]] if formula == "bleu" else list(found)


def item_score(rule: str | None, statistic: Sequence[Any], value: Sequence[Any]) -> float:
    """What a single item's statistic gives; of classes whether it is right."""
    formula = CORPUS_RULES[str(rule)]
    if formula in ("f1", "mcc"):
        return float(value[0] == value[1])
    found = score_of_items([tuple(statistic)], formula)
    return 0.0 if found is None else found


def formula_of_items(rule: str | None, found: Sequence[Sequence[Any]], score: float) -> str:
    """The formula by which items with these statistics make the score; "" where they do not."""
    formula = CORPUS_RULES.get(str(rule), "")
    made = score_of_items([tuple(one) for one in found], formula) if formula and found else None
    return formula if made is not None and math.isclose(made, score, rel_tol=SAME_CORPUS_SCORE, abs_tol=1e-9) else ""
