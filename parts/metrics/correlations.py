"""Correlations of numbers with their references, and how well scores tell one class from the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from parts.frame import ScriptError
from parts.metrics.uncertainty import corpus_scores
from parts.metrics.vocabulary import Choices, Item, Metric, Scores

if TYPE_CHECKING:
    import numpy as np


def score_correlation(items: Sequence[Item], metric: Metric, choices: Choices) -> Scores:
    """Pearson's, Spearman's or Kendall's (tau-b) correlation of numbers with their references, by scipy.

    An item's own value is the product of its two standard scores (of the ranks, for the latter two).
    """
    import numpy as np
    from scipy import stats

    pairs = np.array([item.value for item in items], float)
    if len(pairs) < 3 or (pairs == pairs[0]).all(axis=0).any():
        raise ScriptError(f"{metric.name}: fewer than three items, or all predictions or all references are equal")
    compute: Callable[..., Any] = {"pearson": stats.pearsonr, "spearman": stats.spearmanr, "kendall": stats.kendalltau}[
        metric.name
    ]
    value = float(compute(pairs[:, 0], pairs[:, 1]).statistic)
    own = pairs if metric.name == "pearson" else stats.rankdata(pairs, axis=0)
    products = (own - own.mean(0)) / own.std(0)
    return corpus_scores(pairs, metric.name, value, products.prod(axis=1), items, metric, choices)


def score_separation(items: Sequence[Item], metric: Metric, choices: Choices) -> Scores:
    """The area under the ROC curve, or average precision, of scores of the positive class, by scikit-learn.

    An item's own value is the share of the items of the other class that it is ordered rightly against.
    """
    import numpy as np
    from sklearn.metrics import average_precision_score, roc_auc_score

    pairs = np.array([item.value for item in items], float)
    positive = int(pairs[:, 1].sum())
    if positive in (0, len(pairs)):
        raise ScriptError(f"{metric.name}: all references are of one class, so nothing can be told apart")
    measure = roc_auc_score if metric.name == "auroc" else average_precision_score
    value = float(measure(pairs[:, 1], pairs[:, 0]))
    details = {"positive": positive, "share_positive": positive / len(pairs)}
    return corpus_scores(
        pairs, metric.id, value, ordered_rightly(pairs), items, metric, choices,
        parameters={"positive": choices.positive}, details=details,
    )  # fmt: skip


def ordered_rightly(pairs: np.ndarray) -> np.ndarray:
    """For each (score, is positive) row the share of rows of the other class on its right side; equal ones half."""
    import numpy as np
    from scipy.stats import rankdata

    positive = pairs[:, 1] > 0
    overall, found = rankdata(pairs[:, 0]), np.empty(len(pairs))
    for own in (positive, ~positive):
        below = (overall[own] - rankdata(pairs[own, 0])) / (~own).sum()
        found[own] = below if own is positive else 1 - below
    return found
