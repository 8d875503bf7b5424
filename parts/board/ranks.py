"""Rank ranges, errors and averages."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from parts.board.vocabulary import RankRange

ALPHA = 0.05  # familywise error of the comparisons that make rank ranges

# Items of the whole test sets, for the binomial error of scores that do not say how many items they are from.
# The papers' and dataset cards' numbers; benchmarks that change over time are not in it.
TEST_ITEMS = {
    "aime_2024": 30, "aime_2025": 30, "aime_2026": 30, "arc_challenge": 1172, "arc_easy": 2376, "bbh": 6511,
    "boolq": 3270, "commonsenseqa": 1221, "gpqa": 448, "gpqa_diamond": 198, "gsm8k": 1319, "hellaswag": 10042,
    "hle": 2500, "humaneval": 164, "humaneval_plus": 164, "ifeval": 541, "math": 5000, "math_500": 500, "mbpp": 500,
    "mbpp_plus": 378, "mmlu": 14042, "mmlu_pro": 12032, "openbookqa": 500, "piqa": 1838, "simpleqa": 4326,
    "swe_bench": 2294, "swe_bench_lite": 300, "swe_bench_verified": 500, "truthfulqa_mc1": 817, "winogrande": 1267,
}  # fmt: skip


def row_error(row: Mapping[str, Any]) -> tuple[float | None, str]:
    """(standard error of a row's comparable value, where it is from); (None, "unknown") when nothing tells it.

    Without a stated one, a share of n right answers has the binomial error of (x + 1) / (n + 2), as Agresti and Caffo
    (2000) take it for differences: never zero, and an upper bound for the mean of any scores between 0 and 1.
    """
    if (row.get("comparable_error") or 0) > 0:
        return row["comparable_error"], "stated"
    scale = {"proportion": 1.0, "percent": 100.0}.get(row.get("canonical_unit") or "")
    items = row.get("n") or TEST_ITEMS.get(row.get("benchmark") or "")
    if scale is None or not items or not 0 <= row["comparable"] <= scale:
        return None, "unknown"
    share = (row["comparable"] / scale * items + 1) / (items + 2)
    basis = "binomial, stated n" if row.get("n") else "binomial, full test set"
    return scale * math.sqrt(share * (1 - share) / (items + 2)), basis


def rank_ranges(rows: Sequence[Mapping[str, Any]]) -> dict[str, RankRange]:
    """Model -> the ranks it may have, from the shown rows of one benchmark (comparable not null).

    Every pair of models whose errors are known is compared with a two-sided z-test (the scores as independent, which
    is cautious for models that answered the same items); Holm's correction over all pairs. A model ranks from 1 + the
    number of significantly better models to the number of models - that of significantly worse ones. Models without a
    known error have no rank, and do not count for the others'.
    """
    import numpy as np

    errors = {row["model"]: row_error(row) for row in rows}
    known = [row for row in rows if errors[row["model"]][0] is not None]
    sign = -1.0 if any(row.get("lower_is_better") for row in rows) else 1.0
    values = sign * np.array([row["comparable"] for row in known], dtype=float)
    variances = np.array([errors[row["model"]][0] for row in known], dtype=float) ** 2
    better, worse = significant_counts(values, variances)
    found = {model: RankRange(None, None, "unknown") for model, (error, _) in errors.items() if error is None}
    for row, above, below in zip(known, better, worse, strict=True):
        found[row["model"]] = RankRange(1 + int(above), len(known) - int(below), errors[row["model"]][1])
    return found


def significant_counts(values: Any, variances: Any) -> tuple[Any, Any]:
    """For each value how many others are significantly higher, and lower; Holm's step-down over all pairs.

    Holm rejects the same hypotheses as this: compare all p-values with alpha / (pairs not rejected so far), again and
    again until no more are. So no p-value has to be kept or sorted, and memory is that of a block of rows.
    """
    import numpy as np

    order = np.argsort(-values, kind="stable")
    values, variances = values[order], variances[order]
    count = len(values)
    pairs, rejected = count * (count - 1) // 2, 0
    while True:
        threshold = statistics.NormalDist().inv_cdf(1 - ALPHA / max(pairs - rejected, 1) / 2)
        better, worse = np.zeros(count, dtype=int), np.zeros(count, dtype=int)
        for start in range(0, count, 256):  # of these rows against themselves and all lower ones
            block = slice(start, min(start + 256, count))
            distance = values[block, None] - values[None, start:]
            told = distance >= threshold * np.sqrt(variances[block, None] + variances[None, start:])
            worse[block] += told.sum(axis=1)
            better[start:] += told.sum(axis=0)
        now = int(better.sum())
        if now <= rejected:
            back = np.argsort(order)
            return better[back], worse[back]
        rejected = now


def shared_average(values: Mapping[str, Mapping[str, float]]) -> tuple[list[str], dict[str, float]]:
    """(the benchmarks that all the models have, each model's mean over them) of {model: {benchmark: value}}.

    The caller gives values of one unit and direction. No means when nothing is shared.
    """
    sets = [set(scores) for scores in values.values()]
    shared = sorted(set.intersection(*sets)) if sets else []
    means = {model: statistics.fmean(scores[key] for key in shared) for model, scores in values.items() if shared}
    return shared, means


def display_score(value: float | None, unit: str | None) -> str:
    """A score for people: 0.412 in proportion -> "41.2", as the columns say %; None -> "–"."""
    if value is None:
        return "–"
    number = float(Decimal(repr(value)) * 100) if unit == "proportion" else value
    return f"{number:.1f}" if abs(number) < 1e6 else f"{number:.3g}"
