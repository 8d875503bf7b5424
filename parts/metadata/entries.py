"""What is published: entries, results of records, findings, and where they go."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from parts.vocabulary import folded_name

OWN_FILES = "own files"  # in an Entry's data set: measured on files of one's own, whatever the benchmark's name
NOT_THE_HUBS = "measured on files of one's own, not on the Hub's data set"
SCORE_KEYS = (
    "table", "benchmark", "value", "raw", "unit", "shots", "metric", "group", "heading", "row", "column", "key",
    "notes", "also",
)  # fmt: skip


@dataclass(slots=True)
class Score:
    """One score of the model, as the card shows it, with all that tells it from another one."""

    table: int
    benchmark: str
    value: float
    raw: str
    unit: str | None  # "percent" or "proportion", where the table says so
    shots: str | None
    metric: str | None
    group: str | None
    heading: str | None
    row: int
    column: int
    key: str | None = None
    notes: str | None = None  # the variant: "With tools", "Thinking"; None is the benchmark's default
    also: list[dict[str, int]] = field(default_factory=list)  # table, row, column where the same stands once more

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in SCORE_KEYS}

    def place(self) -> tuple[str, ...]:
        """What two results of the same thing share."""
        return tuple(
            folded_name(part) if part else "" for part in (self.benchmark, self.metric, self.shots, self.notes)
        )


@dataclass(frozen=True, slots=True)
class Entry:
    """One result to publish, wherever it was read: a card's table, a record, the Artificial Analysis API."""

    benchmark: str  # the source's label, plain text
    value: float  # as the source gives it
    origin: str  # where exactly, for people: "table 2, row 3, column 4", "evaluations.mmlu_pro", a record's path
    key: str | None = None  # canonical key in metric_mapping.json
    unit: str | None = None  # "percent", "proportion", "points"; None: the source does not say
    metric: str | None = None  # the source's word for the metric
    shots: str | None = None  # "5-shot"
    variant: str | None = None  # "With tools"; None is the benchmark's default
    task_type: str | None = None  # the Hub's task, when the source knows it; else --task-type says
    dataset: tuple[tuple[str, str], ...] = ()  # what the source says: type, name, config, split, ...
    source_name: str | None = None
    source_url: str | None = None
    date: str | None = None  # ISO 8601, when it was evaluated; None: the source does not say
    samples: int | None = None  # how many were scored, when the source says
    standard_error: float | None = None  # in the unit of the value
    lower_is_better: bool | None = None  # None: the source does not say


@dataclass(frozen=True, slots=True)
class Finding:
    """What validate has to say about one place of the metadata."""

    path: str  # "model-index[0].results[3].metrics[0].value", ".eval_results/hle.yaml[0].value"
    severity: str  # "error" or "warning"
    message: str


@dataclass(frozen=True, slots=True)
class Sending:
    """How a change goes to the Hub: as a new pull request, to a revision (refs/pr/N), else to the main branch."""

    create_pr: bool = False
    revision: str | None = None
    message: str | None = None
