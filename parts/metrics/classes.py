"""Scores of one class for each item: F1 (binary, macro, micro) and Matthews' correlation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from parts.frame import ScriptError, listing
from parts.metrics.items import FALSE_WORDS, TRUE_WORDS
from parts.metrics.oddities import label_lists
from parts.metrics.texts import only_reference
from parts.metrics.uncertainty import corpus_scores
from parts.metrics.vocabulary import LABEL_LINES, Choices, Item, Metric, Scores, otherwise


def positive_class(labels: Sequence[str], choices: Choices) -> str:
    """The positive class of two: --positive, else 1 of 0 and 1, or true of false and true. ScriptError 3: which?"""
    folded = {label.lower(): label for label in labels}
    if choices.positive is not None:
        if choices.positive not in labels:
            raise ScriptError(f"--positive {choices.positive}: the references are {listing(labels)}")
        return choices.positive
    if set(folded) <= TRUE_WORDS | FALSE_WORDS and set(folded) & TRUE_WORDS:
        return folded[(set(folded) & TRUE_WORDS).pop()]
    raise ScriptError(
        f"f1-binary: which class is the positive one? --positive with one of {listing(labels, 20)}", code=3
    )


def score_f1(items: Sequence[Item], metric: Metric, choices: Choices) -> Scores:
    """F1 of classes: those of the references. A prediction that is none of them is wrong: micro F1, which each answer
    counts for, takes it as another class; of the others, no mean has a class of it, and the score that they have where
    it counts as a class that is wrong is told beside them.
    """
    import numpy as np
    from sklearn.metrics import f1_score

    wanted, said = class_pairs(items, metric)
    labels = sorted(set(wanted))
    positive = positive_class(labels, choices) if metric.name == "f1-binary" else None
    codes = {label: code for code, label in enumerate(labels)}
    pairs = np.array([(codes[w], codes.get(s, -1)) for w, s in zip(wanted, said, strict=True)])
    classes = list(range(len(labels))) if positive is None else [codes[positive]]
    formula, statistics = "f1", list(zip(wanted, said, strict=True))
    if metric.name == "f1-micro":
        value = float(f1_score(pairs[:, 0], pairs[:, 1], average="micro", zero_division=np.nan))
        statistics = [(int(w == s), 1, 1) for w, s in statistics]
    else:
        value = float(f1_score(pairs[:, 0], pairs[:, 1], labels=classes, average="macro", zero_division=np.nan))
        if positive is None:
            formula = "f1_macro"
        else:
            statistics = [(int(w == s == positive), int(w == positive), int(s == positive)) for w, s in statistics]
    details, notes = no_class_told(pairs, said, labels, classes, metric)
    return corpus_scores(
        statistics, formula, value, pairs[:, 0] == pairs[:, 1], items, metric, choices, notes=notes,
        parameters={"classes": "those of the references", "positive": positive},
        details={"classes": len(labels), **details},
    )  # fmt: skip


def no_class_told(
    pairs: Any, said: Sequence[str | None], labels: Sequence[str], classes: Sequence[int], metric: Metric
) -> tuple[dict[str, Any], list[str]]:
    """(what a record keeps of answers that are no class, what is said of them).

    pairs: (items, 2) codes of the wanted and the said class, -1 for none. classes: the codes of the averaged ones.
    """
    others = sorted({text for text in said if text is not None} - set(labels))
    details: dict[str, Any] = {"other_predictions": sum(text in others for text in said if text is not None)}
    if metric.name == "f1-micro" or len(labels) < 2 or not (pairs[:, 1] < 0).any():
        return details, []
    value = f1_with_wrong_classes(pairs, len(labels), classes)
    details |= otherwise(value, "with answers that are no class counted as the other, wrong ones in equal parts")
    if not others:
        return details, []
    told = f"the mean over {listing(labels)}" if len(classes) > 1 else f"that of {labels[classes[0]]} alone"
    return details, [
        f"{metric.name} is {told}; predictions also name {listing(others)}, which no reference has: wrong, but no "
        f"class of the mean, so that less is said wrongly of the classes: {value:.3f} with them as wrong ones in equal "
        "parts (scikit-learn's default would average them as classes)"
    ]


def f1_with_wrong_classes(pairs: Any, count: int, classes: Sequence[int]) -> float:
    """The mean F1 of some of `count` classes, each answer that is no class as all that are wrong in equal parts."""
    import numpy as np

    wanted = np.bincount(pairs[:, 0], minlength=count)
    foreign = np.bincount(pairs[pairs[:, 1] < 0, 0], minlength=count)
    known = pairs[pairs[:, 1] >= 0]
    right = np.bincount(known[known[:, 0] == known[:, 1], 0], minlength=count)
    claimed = np.bincount(known[:, 1], minlength=count) + (foreign.sum() - foreign) / (count - 1)
    return float((2 * right / (wanted + claimed))[list(classes)].mean())


def class_pairs(items: Sequence[Item], metric: Metric) -> tuple[list[str], list[str | None]]:
    """The class that is wanted of each item, and the one that was said (None: no answer).

    ScriptError 3 where references are lists of labels, each of which would be a class.
    """
    wanted = [only_reference(item, metric).strip() for item in items]
    if found := label_lists(wanted):
        example, labels = found
        raise ScriptError(
            f"{metric.name}: the references read as several labels each ({example}), of {listing(labels)}; a text is "
            f"one class here, and the order of its labels would count: {LABEL_LINES}; if each text is one class, write "
            "it as one word",
            code=3,
        )
    return wanted, [None if item.value is None else item.value.strip() for item in items]


def score_matthews(items: Sequence[Item], metric: Metric, choices: Choices) -> Scores:
    """Matthews' correlation coefficient of the classes, by scikit-learn; an item without an answer is a class apart."""
    from sklearn.metrics import matthews_corrcoef

    wanted, said = class_pairs(items, metric)
    if len(set(wanted)) < 2:
        raise ScriptError(f"mcc: all references are {wanted[0]!r}: a correlation with one class is not defined")
    named = ["" if label is None else label for label in said]
    value, right = float(matthews_corrcoef(wanted, named)), [w == s for w, s in zip(wanted, said, strict=True)]
    details = {"classes": len({*wanted, *named})}
    return corpus_scores(
        list(zip(wanted, named, strict=True)), "mcc", value, right, items, metric, choices, details=details
    )
