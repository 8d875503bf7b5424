"""Scores of a whole corpus made of its items' statistics: WER, perplexity, BLEU, chrF, F1, AUROC.

Takes (items, d) arrays of what items add (parts/statistics/item_statistics.py has it as records do); gives the score of
all, or of each of many weights. `FORMULAS` says how each score is made; tests hold each against the field's library.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any


def ratio_of(sums: Any) -> Any:
    """Errors over length: WER, CER."""
    import numpy as np

    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(sums[..., 1] > 0, sums[..., 0] / sums[..., 1], np.nan)


def perplexity_of(sums: Any) -> Any:
    """exp(-log-likelihood over length)."""
    import numpy as np

    return np.exp(-ratio_of(sums))


def bleu_of(sums: Any) -> Any:
    """BLEU with sacrebleu's default smoothing (exp) of (..., 10) sums: n-grams found, said, and both lengths."""
    import numpy as np

    right, said, own, wanted = sums[..., :4], sums[..., 4:8], sums[..., 8], sums[..., 9]
    missed = np.cumsum((right == 0) & (said > 0), axis=-1)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        shares = np.where(right > 0, 100 * right, 100 / 2.0**missed) / said
        brevity = np.where(own < wanted, np.exp(1 - wanted / own), 1.0)
        score = brevity * np.exp(np.log(np.maximum(shares, 1e-300)).mean(-1))
    return np.where((said > 0).all(-1) & (right > 0).any(-1), score, 0.0)


def chrf_of(sums: Any) -> Any:
    """chrF (beta 2) of (..., 3 orders) sums: n-grams said, wanted, found of each order."""
    import numpy as np

    said, wanted, found = sums[..., 0::3], sums[..., 1::3], sums[..., 2::3]
    both = (said > 0) & (wanted > 0)
    orders = np.maximum(both.sum(-1), 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = (np.where(both, found / said, 0.0)).sum(-1) / orders
        recall = (np.where(both, found / wanted, 0.0)).sum(-1) / orders
        score = 100 * 5 * precision * recall / (4 * precision + recall)
    return np.where(precision + recall > 0, score, 0.0)


def f1_of_sums(sums: Any) -> Any:
    """Twice what is right over what is wanted plus what is said."""
    import numpy as np

    both = sums[..., 1] + sums[..., 2]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(both > 0, 2 * sums[..., 0] / both, np.nan)


def class_sums(sums: Any) -> tuple[Any, Any, Any]:
    """(right, wanted, said) of each class from (..., 3 classes) sums."""
    count = sums.shape[-1] // 3
    return sums[..., :count], sums[..., count : 2 * count], sums[..., 2 * count :]


def macro_f1_of(sums: Any, best: bool = False) -> Any:
    """The mean of F1 over the classes that somebody wanted or said; best: the largest of them."""
    import numpy as np

    right, wanted, said = class_sums(sums)
    there = wanted + said > 0
    with np.errstate(invalid="ignore", divide="ignore"):
        own = np.where(there, 2 * right / (wanted + said), 0.0)
        return own.max(-1) if best else own.sum(-1) / there.sum(-1)


def matthews_of(sums: Any) -> Any:
    """Matthews' correlation of wanted and said classes (Gorodkin 2004); 0 where one of them is always the same."""
    import numpy as np

    right, wanted, said = class_sums(sums)
    n = wanted.sum(-1)
    top = right.sum(-1) * n - (wanted * said).sum(-1)
    bottom = np.sqrt((n**2 - (wanted**2).sum(-1)) * (n**2 - (said**2).sum(-1)))
    return np.where(bottom > 0, top / np.where(bottom > 0, bottom, 1.0), 0.0)


def auroc_of(rows: Any) -> float:
    """The chance that a positive item (second column 1) has more of the first column than a negative one."""
    from scipy.stats import rankdata

    positive = rows[:, 1] > 0
    up, down = int(positive.sum()), int((~positive).sum())
    if not up or not down:
        return math.nan
    return float((rankdata(rows[:, 0])[positive].sum() - up * (up + 1) / 2) / (up * down))


def average_precision_of(rows: Any) -> float:
    """The mean of the precision over the recall that is gained, from the highest score down; equal ones together."""
    import numpy as np

    positive = rows[:, 1] > 0
    if not positive.any():
        return math.nan
    order = np.argsort(-rows[:, 0], kind="stable")
    scores, hits = rows[order, 0], np.cumsum(positive[order])
    last = np.flatnonzero(np.append(np.diff(scores) != 0, True))
    return float((hits[last] / (last + 1) * np.diff(hits[last], prepend=0)).sum() / hits[-1])


def correlation_of(name: str) -> Callable[[Any], float]:
    """Pearson's, Spearman's or Kendall's (tau-b) correlation of two columns; NaN where one of them is constant."""

    def of_rows(rows: Any) -> float:
        import numpy as np
        from scipy import stats

        if (rows[0] == rows).all(axis=0).any():
            return math.nan
        if name == "kendall":
            return float(stats.kendalltau(rows[:, 0], rows[:, 1]).statistic)
        off = rows if name == "pearson" else stats.rankdata(rows, axis=0)
        one, two = (off - off.mean(0)).T
        return max(-1.0, min(1.0, float(one @ two / np.sqrt((one @ one) * (two @ two)))))

    return of_rows


@dataclass(frozen=True, slots=True)
class Formula:
    """How a corpus's score is made: of the sums of its items' statistics, or (by_rows) of the statistics themselves.

    labels: an item's statistic is [wanted class, said class]. factor: from the formula to the score's unit. low, high:
    the score's range.
    """

    compute: Callable[[Any], Any]
    labels: bool = False
    by_rows: bool = False
    factor: float = 1.0
    low: float = 0.0
    high: float | None = 1.0

    def of(self, rows: Any) -> float:
        """The score of (items, d) statistics."""
        return self.factor * float(self.compute(rows if self.by_rows else rows.sum(0)))

    def weighted(self, rows: Any, weights: Any) -> Any:
        """The score of each of (draws, items) weights, whole numbers for a formula by rows: (draws,)."""
        import numpy as np

        if not self.by_rows:
            return self.factor * self.compute(weights @ rows)
        return self.factor * np.array([self.compute(np.repeat(rows, w.astype(int), axis=0)) for w in weights], float)


FORMULAS = {
    "ratio": Formula(ratio_of, high=None),
    "percent_ratio": Formula(ratio_of, factor=100.0, high=None),
    "perplexity": Formula(perplexity_of, low=1.0, high=None),
    "bits": Formula(ratio_of, factor=-1 / math.log(2), high=None),
    "bleu": Formula(bleu_of, high=100.0),
    "chrf": Formula(chrf_of, high=100.0),
    "f1": Formula(f1_of_sums),
    "f1_macro": Formula(macro_f1_of, labels=True),
    "f1_all": Formula(macro_f1_of, labels=True),
    "f1_max": Formula(partial(macro_f1_of, best=True), labels=True),
    "mcc": Formula(matthews_of, labels=True, low=-1.0),
    "auroc": Formula(auroc_of, by_rows=True),
    "average_precision": Formula(average_precision_of, by_rows=True),
    **{name: Formula(correlation_of(name), by_rows=True, low=-1.0) for name in ("pearson", "spearman", "kendall")},
}


def statistics_array(found: Sequence[tuple[Any, ...]], formula: str, classes: Sequence[str] = ()) -> Any:
    """(items, d) statistics; of classes (all that are wanted or said, in order): right, wanted, said of each.

    F1's classes are those that are wanted, as `classes` has them; a said one that is none of them is wrong.
    """
    import numpy as np

    if not FORMULAS[formula].labels:
        return np.array(found, float).reshape(len(found), -1)
    codes = {label: code for code, label in enumerate(classes)}
    rows = np.zeros((len(found), 3, len(classes)))
    for row, (wanted, said) in zip(rows, found, strict=True):
        for place, label in ((1, wanted), (2, said)):
            if label in codes:
                row[place, codes[label]] = 1
        if wanted == said:
            row[0, codes[wanted]] = 1
    return rows.reshape(len(found), -1)


def classes_of(found: Sequence[tuple[Any, ...]], formula: str) -> list[str]:
    """The classes that a score of labels is about: those that are wanted, but for f1_macro also those that are said."""
    if not FORMULAS[formula].labels:
        return []
    every = {row[0] for row in found} | ({row[1] for row in found} - {None} if formula != "f1_macro" else set())
    return sorted(every)
