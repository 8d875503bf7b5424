"""What the evaluation scripts speak of: models, tasks, engines, questions and answers, outcomes, tables of scores."""

from __future__ import annotations

import collections
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from parts.frame import ScriptError, natural_key, slug
from parts.harness.settings import Settings
from parts.statistics.intervals import wilson_interval

ALL = "all"  # as a task: every task of the custom file
DTYPES = ("auto", "float32", "bfloat16", "float16")
DEFAULT_SEED = 1234  # lighteval's own, and lm-eval's
CPU_CACHE_GB = "1"  # of vLLM's key-value cache on a CPU, when --gpu-memory-utilization does not say
HF_CONNECTIONS = 32  # and here they are the batch


@dataclass(frozen=True)
class ResultsRepo:
    """A data set on the Hub that takes records, the folder in it ("" or ends in "/"), and with what key they are sealed
    ("": not at all)."""

    repo_id: str
    folder: str
    key: str = field(default="", repr=False)


@dataclass(frozen=True)
class TaskRequest:
    """A task, group or tag as asked for, in today's form; without `shots`, with as many examples as each task says."""

    name: str
    shots: int | None = None
    suite: str = field(default="", compare=False)

    def __str__(self) -> str:
        return self.name if self.shots is None else f"{self.name}|{self.shots}"


class RefusedModel(ScriptError):
    """A model that an engine does not take, told before the engine was touched: what it holds stays of use."""


@dataclass(frozen=True)
class Model:
    """A model to be measured; a Hub model has no folder before it is downloaded.

    `name` and `step` are those of a checkpoint; without a name its folder's counts. `repo`, `below`: where a Hub model
    is, whatever its id in the records. `base`: the model that an adapter is for.
    """

    id: str
    weights_sha256: str
    folder: Path | None = None
    revision: str | None = None
    path: str | None = None
    name: str | None = None
    step: str | None = None
    repo: str | None = None
    below: str = ""
    base: Model | None = None

    @property
    def label(self) -> str:
        """How it is shown: a Hub model's revision or folder behind its id."""
        if self.path or not self.repo or not self.name:
            return self.id
        return f"{self.id}/{self.below}" if self.below else f"{self.id}@{self.name}"

    @property
    def checkpoint(self) -> str | None:
        return self.name or (self.folder.name if self.path and self.folder else None)

    @property
    def developer(self) -> str:
        return self.id.split("/", 1)[0] if "/" in self.id else "unknown"

    @property
    def place(self) -> str:
        """`<developer>/<model>` as path-safe names."""
        return f"{slug(self.developer)}/{slug(self.id.split('/', 1)[-1])}"


@dataclass(frozen=True)
class Dataset:
    """Where a task's items come from.

    `sha256`: of local data, or of items that no data set has; `path`: of a local folder or file, with `files` when the
    items are only some of a folder's.
    """

    repo: str = ""
    subset: str | None = None
    splits: tuple[str, ...] = ()
    path: str | None = None
    sha256: str | None = None
    files: str | None = None


@dataclass
class Task:
    """A task that a harness knows, with its items once they are built.

    `source` is the harness's own object; `group`: how many tasks the request stands for; `docs`: its items as the
    harness has them, with `sample_ids` where they do not name themselves; `total`: how many items there are without
    --limit; `built_for`: the chat template that the items are for; `repeats`: how often it asks each item;
    `items_sha256`, `file_sha256`: of the items, and of the user's file that defines the task, where they decide;
    `own`: whether a file of the user's defines it; `questions`: the QuestionSet that it asks.
    """

    name: str
    request: Any
    group: int = 1
    source: Any = None
    dataset: Dataset = Dataset()
    docs: list[Any] | None = None
    sample_ids: list[str] = field(default_factory=list)
    total: int | None = None
    revision: str | None = None
    built_for: str | None = None
    repeats: int | None = None
    items_sha256: str | None = None
    file_sha256: str | None = None
    own: bool = False
    questions: Any = None
    error: str | None = None

    @property
    def title(self) -> str:
        """The name without the number of examples."""
        return self.name.rsplit("|", 1)[0]

    @property
    def shots(self) -> str:
        return self.name.rsplit("|", 1)[1]


@dataclass(frozen=True)
class Job:
    """Items of a task that are asked in one way, and the seed of their answers."""

    task: Task
    docs: list[Any]
    method: Any
    seed: int


@dataclass(frozen=True)
class Scored:
    """One metric of one task: a raw value per item, or the reason why there is none."""

    name: str
    metric: Any
    responses: list[Any]
    values: list[Any]
    errors: list[str | None]


@dataclass(frozen=True)
class MetricScore:
    """One metric over all items, as it goes into a record."""

    metric: str
    value: float
    standard_error: float | None
    method: str
    aggregation: str
    lower_is_better: bool
    unit: str
    low: float | None
    high: float | None
    samples: int
    details: dict[str, str]


@dataclass(frozen=True)
class Engine:
    """A loaded model (the harness's own object) and how it really runs.

    `checksum` is that of the loaded weights, `proof` says how they were compared with the files.
    """

    model: Any
    dtype: str
    device: str
    batch_size: str
    name: str
    version: str
    checksum: str | None = None
    proof: str | None = None


@dataclass(frozen=True)
class Layout:
    """All of a checkpoint but its weights' values; two checkpoints of one layout can share an engine.

    `tensors`: name -> (dtype, shape) from the safetensors headers; None when the weights are in another format.
    """

    config: dict[str, Any]
    files: dict[str, str]
    tensors: dict[str, tuple[str, tuple[int, ...]]] | None


@dataclass(frozen=True)
class Generation:
    """A prompt to be continued, as token ids."""

    prompt: list[int]
    max_tokens: int
    stop: tuple[str, ...] = ()
    samples: int = 1
    temperature: float = 0.0
    seed: int | None = None


@dataclass(frozen=True)
class Continuations:
    """Continuations of a prompt whose log-likelihoods are wanted, as token ids; none is empty."""

    prompt: list[int]
    choices: list[list[int]]


@dataclass(frozen=True)
class EngineAnswer:
    """What an engine says: texts with their tokens, or for each choice its log-likelihood and whether it is greedy."""

    texts: list[str] = field(default_factory=list)
    tokens: list[list[int]] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    greedy: list[bool] = field(default_factory=list)
    truncated: int = 0  # of how many texts the end was the token limit
    cut_prompt: bool = False  # the prompt did not fit and lost its beginning


@dataclass(frozen=True)
class Finished:
    """A record on disk."""

    path: Path
    record: dict[str, Any]
    task: str


@dataclass(frozen=True)
class Failed:
    """A task that gave no score."""

    path: Path
    model: str
    task: str
    error: str
    refused: bool = False  # a choice of the user's, which the error names


@dataclass
class Outcome:
    """All that a run found out; `requests`: how many were sent to vLLM's engine."""

    written: list[Finished] = field(default_factory=list)
    skipped: list[Finished] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)
    seconds: collections.Counter[str] = field(default_factory=collections.Counter)
    processor_seconds: collections.Counter[str] = field(default_factory=collections.Counter)
    requests: int | None = None


@dataclass(frozen=True)
class Assignment:
    """What one model is asked with one seed: the tasks that are not finished."""

    model: Model
    settings: Settings
    tasks: list[Task]


def model_label(record: dict[str, Any]) -> str:
    """How the model of a record is shown, as Model.label."""
    info, details = record["model_info"], record["model_info"]["additional_details"]
    if details.get("subfolder"):
        return f"{info['id']}/{details['subfolder']}"
    hub = details.get("revision") and details.get("checkpoint") and not details.get("path")
    return f"{info['id']}@{details['checkpoint']}" if hub else str(info["id"])


def alike_interval(result: dict[str, Any]) -> tuple[float, float] | None:
    """Wilson's 95 % interval of a share that all items agree on: their standard error of 0 says nothing of it.

    None for any other score. 0 of 20 right: 0 to 0.16.
    """
    config, details = result["metric_config"], result["score_details"]
    uncertainty = details.get("uncertainty", {})
    error, n = uncertainty.get("standard_error", {}).get("value"), uncertainty.get("num_samples")
    if error != 0 or not n or config.get("metric_unit") != "proportion" or details["score"] not in (0, 1):
        return None
    return wilson_interval(details["score"] * n, n)


def score_line(finished: Finished) -> list[dict[str, Any]]:
    """The scores of a record for --json."""
    rows = []
    for result in finished.record["evaluation_results"]:
        uncertainty = result["score_details"].get("uncertainty", {})
        rows.append(
            {
                "metric": result["metric_config"]["metric_name"],
                "score": result["score_details"]["score"],
                "standard_error": uncertainty.get("standard_error", {}).get("value"),
                "num_samples": uncertainty.get("num_samples"),
                **({"interval_95": alike} if (alike := alike_interval(result)) else {}),
            }
        )
    return rows


def score_table(records: Sequence[Finished], failed: Sequence[Failed]) -> list[list[str]]:
    """Scores as rows of text under a heading: models down and tasks across, turned when there are many tasks."""
    cells: dict[tuple[str, str], str] = {}  # repeats beside each other
    for finished in records:
        for result, line in zip(finished.record["evaluation_results"], score_line(finished), strict=True):
            model = model_label(finished.record)
            error = f" ± {line['standard_error']:.3f}" if line["standard_error"] is not None else ""
            if ends := line.get("interval_95"):
                error = f" (95 %: {ends[0]:.3f} to {ends[1]:.3f})"
            key = model, result["evaluation_result_id"]
            cells[key] = ", ".join(filter(None, [cells.get(key), f"{line['score']:.3f}{error}"]))
    results = {result for _, result in cells}
    for failure in failed:
        columns = [result for result in results if result.startswith(f"{failure.task}/")]
        cells |= dict.fromkeys(((failure.model, column) for column in columns or [failure.task]), "failed")
    models = sorted({model for model, _ in cells}, key=natural_key)
    tasks = sorted({task for _, task in cells}, key=natural_key)
    word = " (± std. error)" if any("±" in text for text in cells.values()) else ""
    if len(tasks) > max(6, len(models)):
        return [
            [f"task{word}", *models],
            *([task, *(cells.get((model, task), "-") for model in models)] for task in tasks),
        ]
    return [
        [f"model{word}", *tasks],
        *([model, *(cells.get((model, task), "-") for task in tasks)] for model in models),
    ]
