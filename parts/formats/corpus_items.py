"""What an item of a foreign run adds to a score of the whole corpus (BLEU, chrF, TER, F1, MCC), by the field's library.

Takes the [wanted, said] that lm-eval and lighteval keep of each item for such a metric; gives its statistic as
parts/statistics/item_statistics.py has it. Whether these make the file's own score is for the caller to see: only then
do they go into the record.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

from parts.formats.vocabulary import ScoreRead, Tally
from parts.statistics.item_statistics import FROM_RATIOS, score_of_items

# How lm-eval calls what adds up items, and what lighteval's rules come to -> the formula of their statistics.
CORPUS_RULES = {"bleu": "bleu", "chrf": "chrf", "chrf++": "chrf", "ter": "percent_ratio", "f1": "f1", "f1_score": "f1"}
CORPUS_RULES |= {"mcc": "mcc", "matthews_corrcoef": "mcc", "f1_micro": "f1", "f1_all": "f1_all", "f1_max": "f1_max"}
CORPUS_RULES |= {"f1_each": "f1"}
LABELS = (int, str, bool)
SAME_CORPUS_SCORE = 1e-6


def rule_formula(rule: str | None) -> str:
    """The formula of a rule; "" for one that is not known."""
    return CORPUS_RULES.get(str(rule).partition(":")[0], "")


@cache
def text_scorer(rule: str) -> Any:
    """sacrebleu's scorer with its defaults, as lm-eval calls it; "bleu:zh": as lighteval does for a language."""
    from sacrebleu.metrics import BLEU, CHRF, TER

    name, _, language = rule.partition(":")
    return {
        "bleu": lambda: BLEU(trg_lang=language),
        "chrf": CHRF,
        "chrf++": lambda: CHRF(word_order=2),
        "ter": lambda: TER(asian_support=bool(language)),
    }[name]()


def corpus_statistic(rule: str | None, value: Any) -> list[Any] | None:
    """The statistic of one item's [wanted, said]; None where it is none of a rule that is known."""
    formula = rule_formula(rule)
    if not formula or not isinstance(value, list) or len(value) != 2:
        return None
    name, _, classes = str(rule).partition(":")
    if name in ("bleu", "chrf", "chrf++", "ter"):
        return text_statistic(str(rule), formula, *value)
    if not all(isinstance(label, LABELS) for label in value):
        return None
    wanted, said = value
    if formula != "f1":
        return [str(wanted), str(said)]
    if name == "f1_micro":
        return [int(wanted == said), 1, 1]
    if name == "f1_each":  # the mean, over so many classes, of whether the item is rightly one of it or not
        rest = sum(label in range(int(classes)) for label in value) * (wanted != said)
        return [1 - rest / int(classes), 1, 1]
    one, other = (label in (1, "1") for label in value)  # scikit-learn's positive class
    return [int(one and other), int(one), int(other)]


def text_statistic(rule: str, formula: str, wanted: Any, said: Any) -> list[Any] | None:
    """The statistic of a text with its references."""
    references = wanted if isinstance(wanted, list) else [wanted]
    if not references or not all(isinstance(text, str) for text in (said, *references)):
        return None
    found = text_scorer(rule)._extract_corpus_statistics([said], [[text] for text in references])[0]
    return [*found[2:], *found[:2]] if formula == "bleu" else list(found)


def item_score(rule: str | None, statistic: Sequence[Any], value: Sequence[Any]) -> float:
    """What a single item's statistic gives; of classes whether it is right."""
    formula = rule_formula(rule)
    if formula not in ("bleu", "chrf", "percent_ratio"):
        return float(value[0] == value[1])
    found = score_of_items([tuple(statistic)], formula)
    return 0.0 if found is None else found


def checked_formula(score: ScoreRead, tally: Tally) -> tuple[str, str]:
    """(the formula by which the items make the score, "") or ("", what is to be said where theirs make another)."""
    rule = score.rule or score.aggregation
    formula, many = rule_formula(rule), len(tally.statistics)
    if formula and many == len(tally.values):
        made = score_of_items([tuple(one) for one in tally.statistics], formula)
    elif rule in FROM_RATIOS and tally.ratio[1]:
        formula, made = "", score_of_items([tally.ratio], FROM_RATIOS[rule])
    else:
        part = f"only {many} of its {len(tally.values)} items can be counted again"
        return "", f"{score.name}: {part}: no intervals and no verdicts from it" if many else ""
    if made is not None and math.isclose(made, score.value, rel_tol=SAME_CORPUS_SCORE, abs_tol=1e-9):
        return formula, ""
    return "", f"the file says {score.value!r}, its {len(tally.values)} items make {made!r} by the rule {rule}"
