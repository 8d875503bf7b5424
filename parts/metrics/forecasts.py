"""pass@k, calibration, Brier, log loss, ranking metrics."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from parts.frame import plural
from parts.harness.metric_names import pass_at_k
from parts.metrics.items import check_problems
from parts.metrics.uncertainty import mean_scores
from parts.metrics.vocabulary import Choices, Item, Metric, Scores, Spread
from parts.statistics.intervals import CONFIDENCE, wilson_interval

if TYPE_CHECKING:
    import numpy as np

NORMS = {"ece": "l1", "adaptive-ece": "l1", "mce": "max", "rms-ce": "l2"}


def score_pass_at_k(items: Sequence[Item], metric: Metric, choices: Choices) -> Scores:
    """The mean of pass@k over the tasks; each must have been tried at least k times."""
    tried = [item.value for item in items]
    few = [(item.line, f"{item.id}: {n} known attempts, too few for {metric.name}")
           for item, (n, *_) in zip(items, tried, strict=True) if n < metric.k]  # fmt: skip
    check_problems(few)
    known, _, unknown, late, broken = map(sum, zip(*tried, strict=True))
    details = {"attempts": known + unknown, "scored": known, "no_value": unknown}
    details |= {name: count for name, count in (("limit_hit", late), ("errored", broken)) if count}
    values = [pass_at_k(n, c, metric.k) for n, c, *_ in tried]
    return mean_scores(values, items, metric, parameters={"k": metric.k}, details=details)


def bin_edges(confidence: np.ndarray, bins: int, adaptive: bool) -> np.ndarray:
    """The inner edges of bins of equal width, or of about equally many items; equal confidences share a bin."""
    import numpy as np

    inner = np.arange(1, bins) / bins
    return np.unique(np.quantile(confidence, inner)) if adaptive else inner


def bin_sums(
    numbers: np.ndarray, confidence: np.ndarray, right: np.ndarray, counts: np.ndarray, bins: int
) -> np.ndarray:
    """(3, bins): how many items, their summed confidence, how many were right."""
    import numpy as np

    return np.stack([np.bincount(numbers, counts * weight, bins) for weight in (1.0, confidence, right)])


def calibration_error(sums: np.ndarray, norm: str) -> float:
    """The gap between confidence and what was right, over bins: "l1" (ECE), "l2" (root mean square) or "max" (MCE).

    Naeini et al. 2015, Guo et al. 2017.
    """
    import numpy as np

    count, confidence, right = sums[:, sums[0] > 0]
    gap, share = np.abs(confidence - right) / count, count / count.sum()
    if norm == "max":
        return float(gap.max())
    return float(math.sqrt((share * gap**2).sum()) if norm == "l2" else (share * gap).sum())


def score_calibration(items: Sequence[Item], metric: Metric, choices: Choices) -> Scores:
    """A calibration error, beside what a perfectly calibrated model with the same confidences would show.

    It has no interval: noise alone makes such an error larger, and near 0 its bootstrap intervals covered 72 to 89 %
    instead of 95. An item's own value is whether it was right.
    """
    import numpy as np

    confidence = np.array([item.value.confidence for item in items])
    right = np.array([float(item.value.right) for item in items])
    edges = bin_edges(confidence, choices.bins, metric.name == "adaptive-ece")
    numbers = np.searchsorted(edges, confidence, side="left")
    norm, bins = NORMS[metric.name], len(edges) + 1
    sums = bin_sums(numbers, confidence, right, np.ones(len(right)), bins)
    value, shown = calibration_error(sums, norm), calibrated_errors(numbers, confidence, bins, norm, choices)
    spread = Spread(method="none: the error of a calibrated model is above 0 too; see calibrated_mean, calibrated_95")
    binning = "equal mass" if metric.name == "adaptive-ece" else "equal width"
    parameters = {"bins": bins, "binning": binning, "probability_of": forecasts_about(items)}
    return Scores(
        value, items, right, spread, {}, parameters,
        {"accuracy": float(right.mean()), "mean_confidence": float(confidence.mean()), **shown},
        diagram_bins(sums, edges),
    )  # fmt: skip


def calibrated_errors(
    numbers: np.ndarray, confidence: np.ndarray, bins: int, norm: str, choices: Choices
) -> dict[str, float]:
    """The mean and the 95 % quantile of the error of a perfectly calibrated model: each item is right with the stated
    confidence (consistency resampling, Broecker and Smith 2007). An error above the quantile is no noise."""
    import numpy as np

    if not choices.draws:
        return {}
    rng = np.random.default_rng(choices.seed)
    count, stated = (np.bincount(numbers, weight, bins) for weight in (np.ones(len(numbers)), confidence))
    errors = [
        calibration_error(
            np.stack([count, stated, np.bincount(numbers, rng.random(len(numbers)) < confidence, bins)]), norm
        )
        for _ in range(choices.draws)
    ]
    return {"calibrated_mean": float(np.mean(errors)), "calibrated_95": float(np.quantile(errors, CONFIDENCE))}


def diagram_bins(sums: np.ndarray, edges: np.ndarray) -> list[dict[str, Any]]:
    """The bins of a reliability diagram that hold items, with Wilson intervals of the share that was right."""
    ends = [0.0, *map(float, edges), 1.0]
    found = []
    for i, (count, confidence, right) in enumerate(sums.T.tolist()):
        if count:
            low, high = wilson_interval(right, count)
            row = {"from": ends[i], "to": ends[i + 1], "items": round(count), "confidence": confidence / count}
            found.append(row | {"right": right / count, "low": low, "high": high})
    return found


def score_brier(items: Sequence[Item], metric: Metric, choices: Choices) -> Scores:
    """The mean squared error of the probabilities (Brier 1950): 0 to 1 of an event, 0 to 2 summed over classes."""
    high = 2.0 if forecasts_about(items) == "each class" else 1.0
    values = [item.value.squared_error for item in items]
    return mean_scores(values, items, metric, high=high, parameters={"probability_of": forecasts_about(items)})


def forecasts_about(items: Sequence[Item]) -> str:
    """What the probabilities are of; ScriptError when lines differ in that."""
    about = items[0].value.about
    check_problems([
        (item.line, f"a probability of {item.value.about}, while line {items[0].line} has one of {about}")
        for item in items if item.value.about != about
    ])  # fmt: skip
    return about


def score_log_loss(items: Sequence[Item], metric: Metric, choices: Choices) -> Scores:
    """The mean of -ln(probability of what happened), in nats; --clip gives a floor, without which 0 has no log loss."""
    floor = choices.clip or 0.0
    parameters = {"probability_of": forecasts_about(items), "clip": choices.clip}
    chances = [max(item.value.outcome, floor) for item in items]
    check_problems([
        (item.line, "probability 0 for what happened: an infinite log loss; use brier, or give a floor: --clip 1e-6")
        for item, chance in zip(items, chances, strict=True) if chance == 0
    ])  # fmt: skip
    values = [-math.log(chance) for chance in chances]
    return mean_scores(values, items, metric, parameters=parameters)


def ndcg(ranked: Sequence[str], grades: Mapping[str, float], k: int) -> float:
    """nDCG@k with the grade as gain and log2 discount, as trec_eval and BEIR have it (Jarvelin and Kekalainen 2002)."""

    def discounted(gains: Iterable[float]) -> float:
        return math.fsum(gain / math.log2(place + 2) for place, gain in enumerate(gains))

    best = discounted(sorted(grades.values(), reverse=True)[:k])
    return discounted(grades.get(name, 0.0) for name in ranked[:k]) / best


def recall(ranked: Sequence[str], grades: Mapping[str, float], k: int) -> float:
    """The share of the relevant documents that is among the first k."""
    return sum(name in grades for name in ranked[:k]) / len(grades)


def reciprocal_rank(ranked: Sequence[str], grades: Mapping[str, float], k: int | None) -> float:
    """One over the place of the first relevant document, 0 when there is none among the first k."""
    return next((1 / place for place, name in enumerate(ranked[:k], start=1) if name in grades), 0.0)


def precision_at(ranked: Sequence[str], grades: Mapping[str, float], k: int) -> float:
    """The share of relevant documents among the first k; places that nothing was found for count as wrong."""
    return sum(name in grades for name in ranked[:k]) / k


def average_precision(ranked: Sequence[str], grades: Mapping[str, float], k: int | None) -> float:
    """The precision at each relevant document that is found (among the first k), over all relevant ones (trec_eval)."""
    hits, total = 0, 0.0
    for place, name in enumerate(ranked[:k], start=1):
        if name in grades:
            hits += 1
            total += hits / place
    return total / len(grades)


def score_ranking(items: Sequence[Item], metric: Metric, choices: Choices) -> Scores:
    """The mean of a ranking measure over the queries that have a relevant document."""
    measures = {"ndcg": ndcg, "recall": recall, "mrr": reciprocal_rank}
    measure = (measures | {"precision": precision_at, "map": average_precision})[metric.name.partition("@")[0]]
    reasons = {i: "the query has no relevant document" for i, item in enumerate(items) if not item.references}
    values = [
        math.nan if i in reasons else 0.0 if item.value is None else measure(*item.value, metric.k)
        for i, item in enumerate(items)
    ]
    depth, notes = max((len(item.value[0]) for item in items if item.value is not None), default=0), []
    if metric.k and depth < metric.k:
        notes = [
            f"{metric.name}: no query has more than {plural(depth, 'document')}, so the places {depth + 1} to "
            f"{metric.k} are empty for all: the score of a run that is cut there; compare it with runs as deep"
        ]
    parameters, details = {"k": metric.k}, {"depth": depth}
    return mean_scores(values, items, metric, reasons=reasons, parameters=parameters, details=details, notes=notes)
