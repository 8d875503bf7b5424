"""Scores on clean and suspect items, and their difference."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from parts.contamination.vocabulary import CLEAN, SUSPECT, TOO_SHORT, Judged, Mean, Rule, ScoreRow
from parts.statistics.intervals import is_binary
from parts.vocabulary import normalize_name

if TYPE_CHECKING:
    import numpy as np

LEVEL = 0.95


def mean_interval(values: np.ndarray) -> Mean:
    """The mean with its interval: Wilson's for right and wrong answers, Student's t for other scores."""
    import numpy as np
    from scipy import stats
    from statsmodels.stats.proportion import proportion_confint

    mean = float(values.mean())
    if is_binary(values):
        low, high = proportion_confint(int(values.sum()), len(values), 1 - LEVEL, method="wilson")
        return Mean(mean, float(low), float(high))
    if len(values) < 2:
        return Mean(mean, None, None)
    half = float(stats.t.ppf((1 + LEVEL) / 2, len(values) - 1) * np.std(values, ddof=1) / math.sqrt(len(values)))
    return Mean(mean, mean - half, mean + half)


def difference_of_means(suspect: np.ndarray, clean: np.ndarray) -> tuple[Mean, str]:
    """(mean of the suspect items less that of the clean ones with its interval, the method)

    Newcombe's hybrid score interval for right and wrong answers (Statist. Med. 17:873, method 10), Welch's for others.
    """
    from scipy import stats
    from statsmodels.stats.proportion import confint_proportions_2indep

    value = float(suspect.mean() - clean.mean())
    if is_binary(suspect) and is_binary(clean):
        counts = (int(suspect.sum()), len(suspect), int(clean.sum()), len(clean))
        low, high = confint_proportions_2indep(*counts, method="newcomb", compare="diff", alpha=1 - LEVEL)
        return Mean(value, float(low), float(high)), "Newcombe"
    if len(set(suspect.tolist())) == 1 and len(set(clean.tolist())) == 1:
        return Mean(value, None, None), "none: no spread"
    interval = stats.ttest_ind(suspect, clean, equal_var=False).confidence_interval(LEVEL)
    return Mean(value, float(interval.low), float(interval.high)), "Welch"


@dataclass(frozen=True, slots=True)
class Measured:
    """One result of a record with the mean score of each of its items; `why` it cannot be split, or nothing.

    items: (task, sample_id, sample_hash) -> score, which is on the result's scale when multiplied by `scale`.
    unscored: the items without a score.
    """

    model: str
    task: str
    result_id: str
    record: str
    score: float
    items: Mapping[tuple[str, str, str | None], float]
    scale: float
    unscored: int
    why: str


class Join:
    """Finds the item that a sample is about: by task and sample_id, and never another one."""

    def __init__(self, items: Sequence[Judged], tasks: Iterable[str]) -> None:
        self.by_task: dict[tuple[str, str], list[Judged]] = defaultdict(list)
        self.by_id: dict[str, list[Judged]] = defaultdict(list)
        for one in items:
            self.by_task[normalize_name(one.item.task), one.item.sample_id].append(one)
            self.by_id[one.item.sample_id].append(one)
        # The items' file need not be named as the task, when there is only one of either.
        self.lone = len({one.item.task for one in items}) == 1 and len(set(tasks)) == 1

    def find(self, task: str, sample_id: str, digest: str | None) -> Judged | None:
        """The item, or None."""
        found = self.by_task.get((normalize_name(task), sample_id)) or (
            self.by_id.get(sample_id) if self.lone else None
        )
        alike = [one for one in found or () if None in (digest, one.item.digest) or digest == one.item.digest]
        return alike[0] if len(alike) == 1 else None


def split_scores(measured: Measured, rule: Rule, join: Join, fewest: int) -> ScoreRow:
    """The scores of a result's items by their status."""
    import numpy as np

    scores: dict[str, list[float]] = {CLEAN: [], SUSPECT: [], TOO_SHORT: []}
    missing = 0
    for (task, sample_id, digest), score in measured.items.items():
        one = join.find(task, sample_id, digest)
        if one is None:
            missing += 1
        else:
            scores[one.status[rule.name]].append(score)
    clean, suspect = np.array(scores[CLEAN]), np.array(scores[SUSPECT])
    counts = {status.replace(" ", "_"): len(own) for status, own in scores.items()}
    counts |= {"not_among_the_items": missing, "unscored": measured.unscored}
    row = ScoreRow(
        rule=rule.name,
        model=measured.model,
        task=measured.task,
        result_id=measured.result_id,
        record=measured.record,
        counts=counts,
        recorded=measured.score,
        why=measured.why,
    )
    return row if measured.why else with_means(row, clean, suspect, measured.scale, fewest)


def with_means(row: ScoreRow, clean: np.ndarray, suspect: np.ndarray, scale: float, fewest: int) -> ScoreRow:
    """A row with its means, and with their difference when there are items enough."""
    import numpy as np

    both = np.concatenate([clean, suspect])
    sides = {"all": both, "clean": clean, "suspect": suspect}
    row = replace(row, **{name: scaled(mean_interval(own), scale) for name, own in sides.items() if len(own)})
    few = [f"{len(own)} {name} items" for name, own in ((SUSPECT, suspect), (CLEAN, clean)) if len(own) < fewest]
    if few:
        return replace(row, why=f"{' and '.join(few)}; {fewest} are needed")
    difference, method = difference_of_means(suspect, clean)
    # all - clean = share of the suspect items * (suspect - clean), so its interval is that share of the difference's.
    inflation = scaled(difference, scale * len(suspect) / len(both))
    return replace(row, difference=scaled(difference, scale), inflation=inflation, method=method)


def scaled(mean: Mean, scale: float) -> Mean:
    """A mean on another scale."""
    return Mean(*(None if value is None else scale * value for value in (mean.value, mean.low, mean.high)))
