"""Rows, models, benchmarks and units of a leaderboard."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from parts.frame import kept_text
from parts.metadata.identity import known_measures
from parts.names import STATE_MARK
from parts.vocabulary import RIGHT_ANSWERS, MetricMapping, metric_key, metric_type, normalize_name, vocabulary_of

# Who says a number, first the one that is shown when several do.
SOURCE_TYPES = {
    "verified": "verified",
    "author_metadata": "author's metadata",
    "merged_community": "merged community",
    "on_leaderboard": "on the Hub's leaderboard",
    "open_pr": "open pull request",
    "own_run": "own run",
    "reported": "reported elsewhere",
}
SOURCE_TEXTS = {
    "verified": "the Hub has verified that the score was made as it says",
    "author_metadata": "published by the model's owner, in .eval_results or in the card's model-index",
    "merged_community": "added by somebody else in a pull request that the owner merged",
    "on_leaderboard": "on the Hub's own leaderboard, out of a file in the model's repo; who added it is not told",
    "open_pr": "proposed in a pull request that nobody has merged yet",
    "own_run": "measured with this project's scripts; read from their records",
    "reported": "read from another place, such as an index of scores",
}
SOURCE_FORMATS = ("eval_results", "model_index", "record")  # of one kind of source, first the one that is shown

ITEMS_MARK = "i"  # begins the mark of a result's items among its `answers`, see record_rows.py

# Columns of the data and their SQL types; references/leaderboard.md says what they mean.
COLUMNS = {
    "model": "VARCHAR",
    "benchmark": "VARCHAR",
    "benchmark_name": "VARCHAR",
    "source_task": "VARCHAR",
    "value": "DOUBLE",
    "unit": "VARCHAR",
    "unit_basis": "VARCHAR",
    "comparable": "DOUBLE",
    "canonical_unit": "VARCHAR",
    "metric": "VARCHAR",
    "shots": "VARCHAR",
    "settings": "VARCHAR",
    "standard_error": "DOUBLE",
    "comparable_error": "DOUBLE",
    "n": "BIGINT",
    "source_type": "VARCHAR",
    "source_name": "VARCHAR",
    "source_url": "VARCHAR",
    "source_format": "VARCHAR",
    "contributor": "VARCHAR",
    "pull_request": "BIGINT",
    "revision": "VARCHAR",
    "date": "VARCHAR",
    "notes": "VARCHAR",
    "votes": "VARCHAR",
    "answers": "VARCHAR",
    "official_rank": "BIGINT",
    "official_why": "VARCHAR",
    "shown": "BOOLEAN",
    "why_not": "VARCHAR",
    "lower_is_better": "BOOLEAN",
    "parameters": "BIGINT",
    "license": "VARCHAR",
    "downloads": "BIGINT",
    "likes": "BIGINT",
    "library": "VARCHAR",
    "pipeline_tag": "VARCHAR",
}
MAX_ENTRIES = 2_000  # scores of one model that are read

# Evidence that a value of at most 1 is a proportion: guessing reaches this share, or so many values of one source.
CHANCE_TELLS = 0.05

# Configurations of a data set that are the whole of it.
WHOLE_CONFIGS = frozenset({"", "default", "all", "main", "none"})
SHOTS_IN_NAME = re.compile(r"(?i)\s*[(\[]?\s*\b(\d{1,3})[ -]?shots?\b(?:[ ,]*cot\b)?\s*[)\]]?")
BLANK_LETTERS = "\u115f\u1160\u3164\uffa0"  # that Unicode calls letters, and no font draws
BoardRow = dict[str, Any]  # a score, with the columns above


# Filters of lm-eval that look for the answer of one try in two ways: columns of their own, as acc and acc_norm.
EXTRACTIONS = ("strict-match", "flexible-extract")


def told_metric(metric: Mapping[str, Any]) -> str:
    """What a record's metric is called on a board: its id, with the filter where its name tells one."""
    name, told = (str(metric.get(field) or "") for field in ("metric_id", "metric_name"))
    return told if not name or "," in metric_key(told) else name


def measure_suffix(row: BoardRow) -> str:
    """What follows the name of a benchmark with scores of several metrics: " (wer)"."""
    return f" ({row['metric'] or row['unit'] or '?'})"


def model_of(name: str) -> str:
    """The model that a name on a board is of, whichever of its states: "org/m@2026-03-01" -> "org/m"."""
    return STATE_MARK.sub("", name)


def count_models(names: Iterable[str]) -> int:
    """How many models some names on a board are of."""
    return len(set(map(model_of, names)))


def answered_by_key(rows: Iterable[BoardRow]) -> dict[str, str]:
    """Key of a benchmark -> that of the answers it is about: "my-asr (wer)" and "my-asr (cer)" are about the same.

    So are two benchmarks of any names where the items of every model that has both say so: the same items, with the
    same scores or the same answers (`answers`, see record_rows.py).
    """
    rows = [row for row in rows if row["benchmark"]]
    found = {row["benchmark"]: row["benchmark"].removesuffix(measure_suffix(row)) for row in rows}
    told: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for row in rows:
        if row.get("answers"):
            marks = (mark for mark in row["answers"].split() if not mark.startswith(ITEMS_MARK))
            told[row["model"]][row["benchmark"]].update(marks)
    alike = set()
    for own in told.values():
        keys_of = defaultdict(set)
        for key, marks in own.items():
            for mark in marks:
                keys_of[mark].add(key)
        alike |= {pair for keys in keys_of.values() for pair in combinations(sorted(keys), 2)}
    for one, other in sorted(alike):
        if all(own[one] & own[other] for own in told.values() if one in own and other in own):
            found = {key: found[one] if name == found[other] else name for key, name in found.items()}
    return found


class Unreadable(Exception):
    """A part of a model's metadata that cannot be read, with the reason; the rest of the model is."""


def model_name(text: str | None) -> str:
    """The name of a model as it is kept; ValueError when nothing in it can be seen, and "-" is no name either."""
    name = kept_text(text) or ""
    if not any(c.isalnum() and c not in BLANK_LETTERS for c in name):
        raise ValueError("it names no model")
    return name


@dataclass(slots=True)
class ModelReading:
    """What was found for one model."""

    model: str
    rows: list[BoardRow] = field(default_factory=list)
    unreadable: list[dict[str, str]] = field(default_factory=list)
    failed: str = ""  # why nothing at all could be read
    private: bool = False  # not everybody may see that the model exists
    facts: BoardRow = field(default_factory=dict)  # what the Hub says about the model itself

    def cannot_read(self, where: str, reason: object) -> None:
        self.unreadable.append(
            {"model": self.model, "where": kept_text(where) or "", "reason": kept_text(reason) or ""}
        )


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a document with scores stands: who answers for it, and where people can look."""

    source_type: str
    url: str
    contributor: str | None
    revision: str | None
    date: str | None = None
    pull_request: int | None = None


@dataclass(slots=True)
class Company:
    """The unlabelled shares of one document, or of one task of a Hub Benchmark, by which the unit of one is known."""

    count: int = 0  # above 0
    above_one: bool = False
    above_chance: bool = False  # one of them is of a benchmark where guessing reaches CHANCE_TELLS

    def add(self, value: float, chance: float) -> None:
        self.count += value > 0
        self.above_one |= value > 1
        self.above_chance |= value > 0 and chance >= CHANCE_TELLS


@dataclass(frozen=True, slots=True)
class Unit:
    """What a value is measured in and how that is known; without a name, why it is not."""

    name: str | None
    basis: str | None = None
    why_not: str | None = None


@dataclass(frozen=True, slots=True)
class RankRange:
    """The ranks that a model may have on a benchmark: 2 to 4; None and None: its uncertainty is not known."""

    low: int | None
    high: int | None
    basis: str  # where the error is from: "stated" (or how it is wider), "binomial, stated n" (or what else), "unknown"

    def __str__(self) -> str:
        if self.low is None:
            return "n/a"
        return str(self.low) if self.low == self.high else f"{self.low}–{self.high}"


@dataclass(frozen=True, slots=True)
class Benchmarks:
    """metric_mapping.json as needed here: from a data set and a name, as written in metadata, to a canonical key."""

    mapping: Mapping[str, Any]
    vocabulary: MetricMapping
    hub: Mapping[tuple[str, str], str]  # (dataset id, task id), lower case -> key
    types: Mapping[str, tuple[str, ...]]  # dataset id, lower case -> keys

    @classmethod
    def of(cls, mapping: Mapping[str, Any]) -> Benchmarks:
        hub, types = {}, defaultdict(list)
        for key, entry in mapping.items():
            if place := entry.get("hub"):
                hub[place["dataset_id"].lower(), place["task_id"].lower()] = key
            types[str((entry.get("model_index") or {}).get("type") or "").lower()].append(key)
        return cls(mapping, vocabulary_of(mapping), hub, {name: tuple(keys) for name, keys in types.items() if name})

    def by_name(self, text: str) -> str | None:
        """The key for a display name, key or alias; shots in the name do not count: "MMLU (5-shot)" -> "mmlu"."""
        table = self.vocabulary.names
        return table.get(normalize_name(text)) or table.get(normalize_name(SHOTS_IN_NAME.sub(" ", text)))

    def of_task(self, dataset_id: str, task_id: str) -> str | None:
        """The key for an entry of .eval_results: its data set and task, else the task's name, else the only task."""
        if key := self.hub.get((dataset_id.lower(), task_id.lower())):
            return key
        if key := self.by_name(task_id.rpartition("/")[2]):
            own = dataset_id.lower() == str((self.mapping[key].get("model_index") or {}).get("type") or "").lower()
            return key if own or self.by_name(dataset_id.rpartition("/")[2]) == key else None
        keys = self.types.get(dataset_id.lower(), ())
        return keys[0] if len(keys) == 1 and normalize_name(task_id) in WHOLE_CONFIGS else None

    def of_dataset(self, name: str, dataset: str, config: str) -> tuple[str | None, str | None]:
        """(key, why it is not comparable) of a model-index data set, as what results measure is told everywhere."""
        keys, _, part = known_measures(self.mapping).benchmark(name, dataset, config)
        if len(keys) != 1:
            return None, None
        (key,) = keys
        own = self.config(key)
        return key, f"configuration {config}, while {self.mapping[key]['name']} is {own}" if part and own else None

    def config(self, key: str) -> str:
        return str((self.mapping[key].get("model_index") or {}).get("config") or "")


def ranks(metric: str | None, entry: Mapping[str, Any]) -> bool:
    """Whether a metric, as a card names it, is the one that a benchmark is ranked by."""
    own = {entry.get("metric"), (entry.get("model_index") or {}).get("metric_type")} - {None}
    folded = {normalize_name(name) for name in own} | {normalize_name(metric_type(name) or "") for name in own}
    base, _, extraction = (metric or "").partition(",")
    given = normalize_name(metric_type(base if extraction in EXTRACTIONS else metric) or "")
    right = folded & (RIGHT_ANSWERS | {"passat1", "resolvedrate"})
    return given in folded or given in ("", "score", "value", "result") or bool(right and given in RIGHT_ANSWERS)
