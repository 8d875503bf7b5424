"""Scores on clean and suspect items, and their difference."""

from __future__ import annotations

import functools
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from parts.contamination.markup import without_markup
from parts.contamination.vocabulary import CLEAN, SUSPECT, TOO_SHORT, Judged, Mean, Rule, ScoreRow
from parts.contamination.words import Folded
from parts.frame import ScriptError, single_line
from parts.statistics.bounded import (
    cluster_counts,
    critical_value,
    mean_of,
    satterthwaite,
    score_interval,
    several_ways,
    two_way_variance,
)
from parts.statistics.differences import unpaired_difference
from parts.vocabulary import normalize_name

if TYPE_CHECKING:
    import numpy as np

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Group:
    """Scores of items of one kind, what they share, and the range that a score can have (None: open)."""

    values: np.ndarray
    clusters: np.ndarray | None
    low: float | None
    high: float | None

    @property
    def ways(self) -> list[np.ndarray]:
        """How the items are grouped, as parts/statistics/bounded.py wants it."""
        return [] if self.clusters is None else [self.clusters]

    @property
    def span(self) -> float | None:
        """The width of the range."""
        return None if self.low is None or self.high is None else self.high - self.low


def mean_interval(group: Group) -> Mean:
    """The mean with its 95 % interval; without one where too little is known."""
    mean = float(group.values.mean())
    found = score_interval(group.values, group.ways, group.low, group.high)
    return Mean(mean, *found[:2]) if found else Mean(mean, None, None)


def difference_of_means(suspect: Group, clean: Group) -> tuple[Mean, str]:
    """(mean of the suspect items less that of the clean ones with its interval, the method)

    Newcombe's hybrid of the two intervals (Statist. Med. 17:873, method 10; Zou and Donner 2008), which holds for few
    items and for groups without spread; Welch's where a score has no bounds, of clusters where items share them.
    """
    value = float(suspect.values.mean() - clean.values.mean())
    if suspect.span and suspect.low is not None:
        means = [mean_of((group.values - group.low) / group.span, group.ways) for group in (clean, suspect)]
        low, high = unpaired_difference(*means, span=suspect.span).interval(1 - LEVEL)
        return Mean(value, float(low), float(high)), "Newcombe"
    if min(len(set(group.values.tolist())) for group in (suspect, clean)) == 1:
        return Mean(value, None, None), "none: no spread in one group, and no bounds are known"
    counts = [cluster_counts(group.ways, len(group.values))[0] for group in (suspect, clean)]
    if min(counts) < 2:
        return Mean(value, None, None), "none: all items of one group are in one cluster, and no bounds are known"
    variances = [float(two_way_variance(group.values, several_ways(group.ways))) for group in (suspect, clean)]
    freedom = satterthwaite(variances, [count - 1 for count in counts])
    half = float(critical_value((1 - LEVEL) / 2, freedom)) * math.sqrt(sum(variances))
    return Mean(value, value - half, value + half), "Welch"


@dataclass(frozen=True, slots=True)
class Measured:
    """One result of a record with the mean score of each of its items; `why` it cannot be split, or nothing.

    items: (task, sample_id, sample_hash) -> score, which is on the result's scale when multiplied by `scale`. texts,
    clusters: of the same keys. unscored: the items without a score. low, high: the least and most of an item.
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
    lower_is_better: bool = False
    low: float | None = 0.0
    high: float | None = 1.0
    texts: Mapping[tuple[str, str, str | None], str] = field(default_factory=dict)
    clusters: Mapping[tuple[str, str, str | None], str] = field(default_factory=dict)


@functools.lru_cache(maxsize=200_000)
def folded_text(text: str) -> bytes:
    """A text as it is compared: its words alone."""
    return b" ".join(Folded(without_markup(text.encode("utf-8", "replace"))).data.split())


class Join:
    """Finds the item that a sample is about: by its text, and by task and sample_id where the texts agree."""

    def __init__(self, items: Sequence[Judged], tasks: Iterable[str]) -> None:
        self.by_task: dict[tuple[str, str], list[Judged]] = defaultdict(list)
        self.by_id: dict[str, list[Judged]] = defaultdict(list)
        self.by_text: dict[bytes, list[Judged]] = defaultdict(list)
        self.texts: dict[int, tuple[bytes, bytes]] = {}
        for one in items:
            self.by_task[normalize_name(one.item.task), one.item.sample_id].append(one)
            self.by_id[one.item.sample_id].append(one)
            question = folded_text(one.item.text)
            whole = folded_text(f"{one.item.context}\n{one.item.text}")
            self.texts[id(one)] = question, whole
            for text in {question, whole} - {b""}:
                self.by_text[text].append(one)
        # The items' file need not be named as the task, when there is only one of either.
        self.lone = len({one.item.task for one in items}) == 1 and len(set(tasks)) == 1
        self.unlike: list[tuple[str, str, str]] = []

    def find(self, task: str, sample_id: str, digest: str | None, text: str = "") -> Judged | None:
        """The item, or None. An item of the same id with another text is remembered in `unlike`."""
        same_id = self.by_task.get((normalize_name(task), sample_id)) or (
            self.by_id.get(sample_id) if self.lone else None
        )
        alike = [one for one in same_id or () if None in (digest, one.item.digest) or digest == one.item.digest]
        words = folded_text(text)
        if not words:
            return alike[0] if len(alike) == 1 else None
        here = [one for one in alike if self.agrees(one, words)]
        named = [one for one in self.by_text.get(words, ()) if normalize_name(one.item.task) == normalize_name(task)]
        found = here or named or self.by_text.get(words, ())
        if not found and same_id:
            self.unlike.append((sample_id, same_id[0].item.text, text))
        return found[0] if found else None

    def agrees(self, one: Judged, words: bytes) -> bool:
        """Whether a sample's text is the item's, or holds its question (a prompt does), or is held by it."""
        question, whole = self.texts[id(one)]
        padded = b" %b " % words
        return bool(question) and (b" %b " % question in padded or padded in b" %b " % whole)


def check_join(join: Join, measured: Measured) -> None:
    """ScriptError(code=3) when ids of the items and of the samples are equal and their texts are not."""
    if join.unlike:
        sample_id, ours, theirs = join.unlike[0]
        raise ScriptError(
            f"{measured.record}: {len(join.unlike)} of {len(measured.items)} samples have the id of an item and "
            f"another text ({sample_id}: {single_line(theirs)[:60]!r}, in --items {single_line(ours)[:60]!r}): "
            "another order or version of the benchmark; judge the recorded items: one folder as --items and --results",
            code=3,
        )


def split_scores(measured: Measured, rule: Rule, join: Join, fewest: int) -> ScoreRow:
    """The scores of a result's items by their status."""
    found: dict[str, list[tuple[float, str]]] = {CLEAN: [], SUSPECT: [], TOO_SHORT: []}
    missing, by_text = 0, 0
    for key, score in measured.items.items():
        text = measured.texts.get(key, "")
        one = join.find(*key, text)
        if one is None:
            missing += 1
        else:
            by_text += bool(folded_text(text))
            found[one.status[rule.name]].append((score, cluster_of_sample(measured, key, one)))
    check_join(join, measured)
    counts = {status.replace(" ", "_"): len(own) for status, own in found.items()}
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
        lower_is_better=measured.lower_is_better,
        joined=f"{by_text} by text, {len(measured.items) - missing - by_text} by id",
    )
    if not any(found.values()):
        return replace(row, why=f"none of its {len(measured.items)} items is among the given ones")
    return row if measured.why else with_means(row, measured, found[CLEAN], found[SUSPECT], fewest)


def cluster_of_sample(measured: Measured, key: tuple[str, str, str | None], one: Judged) -> str:
    """What a sample shares with others: what its line says, or its item's context; alone where neither does."""
    return measured.clusters.get(key) or one.item.context or "\0".join(map(str, key))


def group_of(scored: Sequence[tuple[float, str]], low: float | None, high: float | None) -> Group:
    """The scores of some items with what they share, and their range."""
    import numpy as np

    clusters = [cluster for _, cluster in scored]
    shared = len(set(clusters)) < len(clusters)
    numbers = np.unique(clusters, return_inverse=True)[1] if shared else None
    return Group(np.array([score for score, _ in scored]), numbers, low, high)


def with_means(
    row: ScoreRow,
    measured: Measured,
    clean: Sequence[tuple[float, str]],
    suspect: Sequence[tuple[float, str]],
    fewest: int,
) -> ScoreRow:
    """A row with its means, and with their difference when there are items enough."""
    scale, ends = measured.scale, (measured.low, measured.high)
    sides = {"all": [*clean, *suspect], "clean": clean, "suspect": suspect}
    means = {name: scaled(mean_interval(group_of(own, *ends)), scale) for name, own in sides.items() if own}
    binary = {score for own in sides.values() for score, _ in own} <= {0.0, 1.0}
    right = {name: round(sum(score for score, _ in own)) for name, own in sides.items()} if binary else {}
    row = replace(row, **means, right=right)
    few = [f"{len(own)} {name} items" for name, own in ((SUSPECT, suspect), (CLEAN, clean)) if len(own) < fewest]
    if few:
        return replace(row, why=f"{' and '.join(few)}; {fewest} are needed")
    difference, method = difference_of_means(group_of(suspect, *ends), group_of(clean, *ends))
    # all - clean = share of the suspect items * (suspect - clean), so its interval is that share of the difference's.
    inflation = scaled(difference, scale * len(suspect) / (len(suspect) + len(clean)))
    whole = not row.counts["not_among_the_items"] and not row.counts[TOO_SHORT.replace(" ", "_")]
    return replace(row, difference=scaled(difference, scale), inflation=inflation if whole else None, method=method)


def against_others(rows: Sequence[ScoreRow], measured: Sequence[Measured], join: Join, fewest: int) -> list[ScoreRow]:
    """The rows with the difference of their difference from that of the other models on the same items.

    Suspect items may be easier for everybody: what a model has beyond the others, item by item, is its own.
    """
    found: list[ScoreRow] = []
    for row in rows:
        one = next(m for m in measured if (m.record, m.result_id) == (row.record, row.result_id))
        others = [m for m in measured if m.model != one.model and m.task == one.task and metric_of(m) == metric_of(one)]
        groups: dict[str, list[tuple[float, str]]] = {CLEAN: [], SUSPECT: []}
        for key, score in one.items.items():
            theirs = [m.items[key] for m in others if key in m.items]
            item = join.find(*key, one.texts.get(key, "")) if theirs and len(theirs) == len(others) else None
            if item is not None and item.status[row.rule] in groups:
                beyond = score - sum(theirs) / len(theirs)
                groups[item.status[row.rule]].append((beyond, cluster_of_sample(one, key, item)))
        bounds = (None, None) if one.low is None or one.high is None else (one.low - one.high, one.high - one.low)
        if row.difference is None or min(map(len, groups.values())) < fewest:
            found.append(row)
            continue
        pair = [group_of(groups[name], *bounds) for name in (SUSPECT, CLEAN)]
        found.append(replace(row, beyond=scaled(difference_of_means(*pair)[0], one.scale)))
    return found


def metric_of(measured: Measured) -> str:
    """The metric of a result: what its id says behind the task."""
    return measured.result_id.rpartition("/")[2]


def scaled(mean: Mean, scale: float) -> Mean:
    """A mean on another scale."""
    return Mean(*(None if value is None else scale * value for value in (mean.value, mean.low, mean.high)))
