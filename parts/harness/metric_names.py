"""Metric names and units as harnesses give them."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence

from parts.metric_ranges import METRIC_SCALES

# lighteval's metric names -> ids that other harnesses share; parametrized names are cut at the colon first.
METRIC_IDS = {
    "acc": "accuracy",
    "em": "exact_match",
    "loglikelihood_f1": "f1",
    "mf1": "f1",
    "mcc": "matthews_correlation",
    "ppl": "perplexity",
    "rougeL": "rouge_l",
    "chrf++": "chrf_plus_plus",
}

CORPUS_AGGREGATIONS = {"CorpusLevelF1Score": "corpus_f1", "MatthewsCorrCoef": "matthews_correlation"}


def metric_id(name: str) -> str:
    """The shared id of one of lighteval's metrics: acc -> accuracy, pass@k:k=4&n=8 -> pass_at_4."""
    match = re.match(r"pass@k:(?:.*&)?k=(\d+)", name)
    return f"pass_at_{match[1]}" if match else METRIC_IDS.get(name.split(":", 1)[0], name)


def metric_ids(names: Collection[str]) -> dict[str, str]:
    """The ids of one task's metrics. One that several would have is that of the plainest; the others keep their names.

    em, em:normalize_gold=f -> exact_match, em:normalize_gold=f
    """
    found = {name: metric_id(name) for name in names}
    plainest = {
        shared: min((name for name in found if found[name] == shared), key=plainness) for shared in found.values()
    }
    return {name: shared if plainest[shared] == name else name for name, shared in found.items()}


def plainness(name: str) -> tuple[int, str]:
    """What orders the names of one metric: the one with the fewest options first, whatever their order in a file."""
    return len(name), name


def metric_scale(name: str, values: Sequence[float]) -> tuple[str, float | None, float | None]:
    """Unit, lowest and highest value of a metric."""
    known = METRIC_SCALES.get(name.split(":", 1)[0])
    if known:
        return known
    if all(0.0 <= value <= 1.0 for value in values):
        return "proportion", 0.0, 1.0
    return "points", None, None


def standard_deviation(values: Sequence[float]) -> float:
    """The sample standard deviation."""
    mean = sum(values) / len(values)
    return math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))


def shared_metric_id(name: str) -> str:
    """The id of one of lm-eval's metrics that other harnesses share: acc -> accuracy, pass@1 -> pass_at_1."""
    match = re.fullmatch(r"pass@(\d+)", name)
    return f"pass_at_{match[1]}" if match else METRIC_IDS.get(name, name)


def pass_at_k(n: int, c: int, k: int) -> float:
    """The chance that one of k attempts passes, unbiased from c passes in n attempts (Chen et al. 2021, 2107.03374)."""
    return 1 - math.comb(n - c, k) / math.comb(n, k)
