"""How far off one score of a whole corpus may be (WER, BLEU, F1, a correlation), by its items' statistics.

Takes what each unit (an item, a group of items) adds, as parts/statistics/corpus.py has it, and how often it occurs;
gives standard error and 95 % interval. Percentiles of bootstrap draws hold the truth too seldom where little was met:
83 % of the time for 1 % of wrong words in 30 utterances, 75 % for a rare class. Here the variance is the jackknife's
(of scores by rank that of draws), and the interval Wilson's on the effective number of units (bounded.py), in which one
more unit that is wholly wrong steadies it; Fisher's z for correlations. tests/bench_coverage.py prints what it covers.
"""

from __future__ import annotations

import math
from typing import Any

from parts.statistics.bounded import critical_value, steadied
from parts.statistics.corpus import FORMULAS, Formula
from parts.statistics.corpus_draws import drawn_scores, draws_for, grouped_rows
from parts.statistics.intervals import CONFIDENCE

CORRELATIONS = ("pearson", "spearman", "kendall")
FEWEST_DRAWS = 0.5  # share of the draws that must have a score: others lack a class
OPEN_RATE = 0.5  # above, a rate without a top has an interval on the scale of its logarithm


def widest_share(formula: str, units: Any, counts: Any) -> float:
    """The variance, as a share of value (1 - value), if each unit were wholly right or wrong: by how much each weighs.

    Of a mean over classes that of each class, as of independent parts. inf: nothing weighs anything.
    """
    import numpy as np

    if formula in ("auroc", "average_precision"):  # no more than the rarer class, the positive one, tells (Birnbaum)
        positive = float(counts @ units[:, 1])
        few = positive if formula == "average_precision" else min(positive, float(counts.sum()) - positive)
        return 1 / few if few else math.inf
    sizes = {"ratio": [1], "percent_ratio": [1], "f1": [1, 2], "bleu": [9], "chrf": [1]}.get(formula)
    count = units.shape[1] // 3
    if FORMULAS[formula].labels:
        weights = units[:, count : 2 * count] + units[:, 2 * count :]
    else:
        weights = units[:, sizes].sum(1, keepdims=True) if sizes else np.ones((len(units), 1))
    total = counts @ weights
    parts = (counts @ weights**2)[total > 0] / total[total > 0] ** 2
    return float(parts.sum()) / len(parts) ** 2 if len(parts) else math.inf


def jackknife_error(rule: Formula, units: Any, counts: Any) -> float:
    """The standard error of a score of sums, each unit left out once, but for those without which there is no score."""
    import numpy as np

    found = np.asarray(rule.factor * rule.compute(counts @ units - units), float)
    known = np.isfinite(found)
    if not known.any():
        return 0.0
    found, weights = found[known], counts[known]
    n = float(weights.sum())
    off = found - weights @ found / n
    return math.sqrt(max(0.0, (n - 1) / n * float(weights @ off**2)))


def fisher_interval(value: float, drawn: Any, n: float) -> tuple[float, float]:
    """The interval of a coefficient between -1 and 1 from finite draws of n units, on the scale of Fisher's z."""
    import numpy as np

    z = np.arctanh(np.clip([value, *drawn], -1 + 1e-12, 1 - 1e-12))
    half = float(critical_value((1 - CONFIDENCE) / 2, n - 1)) * float(z[1:].std(ddof=1)) * math.sqrt(n / (n - 1))
    return math.tanh(z[0] - half), math.tanh(z[0] + half)


def interval_by_items(formula: str, rows: Any, groups: Any, drawn: Any = None) -> tuple[float, float, str] | None:
    """(both ends, method) of the 95 % interval of the score of some items, or None.

    groups: the number of what each item shares with others, or None. drawn: scores of draws, for formulas by rows that
    were drawn already.
    """
    import numpy as np

    rule = FORMULAS[formula]
    value, units = rule.of(rows), len(rows) if groups is None else int(groups.max()) + 1
    if rule.by_rows and drawn is None:
        (drawn,) = drawn_scores(formula, [rows], groups, draws_for(formula, len(rows)), [0])
    elif not rule.by_rows:
        (rows,), units = grouped_rows([rows], groups)
    made = corpus_spread(formula, value, rows, np.ones(len(rows)), drawn, units)
    return None if isinstance(made, str) else made[1:]


def corpus_spread(
    formula: str, value: float, units: Any, counts: Any, drawn: Any = None, n: int = 0
) -> tuple[float, float, float, str] | str:
    """(standard error, both ends, method); or why there is none.

    drawn: for formulas by rows, whose units are items, the scores of draws of `n` groups (0: of the items).
    """
    import numpy as np

    rule, n = FORMULAS[formula], n or float(counts.sum())
    if n < 2:
        return "one item or group only"
    stretch = math.sqrt(n / (n - 1))
    if rule.by_rows:
        finite = drawn[np.isfinite(drawn)]
        if len(finite) < max(2, FEWEST_DRAWS * len(drawn)):
            return f"undefined in {len(drawn) - len(finite)} of {len(drawn)} draws" if len(drawn) else "--draws 0"
        error = float(finite.std(ddof=1)) * stretch
        if formula in CORRELATIONS:
            if not error:
                return "all draws are alike"
            return error, *fisher_interval(value, finite, n), "bootstrap, Fisher's z, t"
    else:
        error = jackknife_error(rule, units, counts)
    name = "bootstrap" if rule.by_rows else "jackknife"
    if rule.high is None and value > OPEN_RATE * rule.factor:
        half = float(critical_value((1 - CONFIDENCE) / 2, n - 1)) * error / value
        low, high = value * math.exp(-half), value * math.exp(half)
        return (error, max(rule.low, low), high, f"{name}, logarithm, t") if error else "all items are alike"
    top = rule.factor if rule.high is None else rule.high
    widest = widest_share(formula, units, counts)
    freedom = 1 / widest - 1 if rule.by_rows else n - 1
    if not math.isfinite(widest) or freedom < 1:
        return "one item of a class only"
    wide = top - rule.low
    mean = steadied((value - rule.low) / wide, (error / wide) ** 2 * (n - 1) / n, widest, freedom)
    low, high = (rule.low + wide * float(end) for end in mean.interval())
    return error, low, high, f"Wilson on the effective number of items, {name}, t"
