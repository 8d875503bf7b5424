#!/usr/bin/env -S uv run --script
# /// script
# requires-python = ">=3.11,<3.14"
# dependencies = [
#   "lighteval==0.13.0",
#   "transformers>=5,<6",
#   "huggingface_hub>=1.31,<2",
#   "datasets>=4,<6",
#   "xxhash>=3,<4",
#   "torch>=2.6,<3",
#   "rich>=13,<16",
# ]
# ///
"""Evaluate models, or every checkpoint of a training run, with lighteval's tasks; write one record per model and task.

Reads Hub models and checkpoint folders (a folder of step_100, checkpoint-500, ... works too). Writes
OUTPUT_DIR/data/<task>/<developer>/<model>/<uuid>.json and <uuid>_samples.jsonl (Every Eval Ever 0.3.0). All models
run in one process, one after the other; what is finished (same weights, task, settings and versions) is skipped, so
a run that was stopped goes on where it was. Prints a table of the scores; --json prints one JSON document instead.

Examples:

    # smoke test: ten items of each task
    uv run scripts/lighteval_vllm_uv.py --model HuggingFaceTB/SmolLM2-135M --tasks "arc:easy|0,gsm8k|5" --limit 10

    # every checkpoint of a run, with tasks of its own
    uv run scripts/lighteval_vllm_uv.py --model examples/tiny_run --tasks all \\
        --custom-tasks examples/tiny_run/tasks.py --output-dir results

    # what would run, without loading a model; which tasks there are
    uv run scripts/lighteval_vllm_uv.py --model ./checkpoints --tasks "leaderboard|mmlu|5" --dry-run
    uv run scripts/lighteval_vllm_uv.py --list-tasks mmlu

    # on Hugging Face Jobs (the scores are in the job's log)
    hf jobs uv run --flavor a10g-small --secrets HF_TOKEN scripts/lighteval_vllm_uv.py \\
        --model HuggingFaceTB/SmolLM2-135M --tasks "arc:easy|0" --limit 10 --json

Tasks are written `task`, `task|shots` or, as in older versions, `suite|task|shots` and `suite|task|shots|0`. A family
(`mmlu`) stands for all its subtasks, `all` for every task of the --custom-tasks file.

Exit codes: 0 everything is measured; 1 some tasks failed (each left a <uuid>_failure.json) and the others are
measured; 2 nothing could be done (unknown task, no model, no network, no disk space).
"""

from __future__ import annotations

import argparse
import ast
import collections
import contextlib
import difflib
import fnmatch
import gc
import hashlib
import importlib.metadata
import importlib.util
import json
import logging
import math
import os
import random
import re
import shlex
import sys
import time
import traceback
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

SCHEMA_VERSION = "0.3.0"  # of the records: Every Eval Ever
OUTPUT_VERSION = "1"  # of what --json prints
ALL = "all"  # as a task: every task of the custom file
BACKENDS = ("accelerate", "vllm")
DTYPES = ("auto", "float32", "bfloat16", "float16")
CPU_BATCH_SIZE = 32
DEFAULT_SEED = 1234  # lighteval's own
BOOTSTRAP_DRAWS = 200
LOG_LINES = 20  # kept in a failure file
SHOWN_FAILURES = 5
REASONING_TAGS = [("<think>", "</think>")]

# Checkpoint folders, as trainers name them: an optional "epoch_3-" in front of a step, a unit or a tag ("tokens4B")
# behind it; a name with an epoch alone has no step. At most 15 digits: more is no step count.
CHECKPOINT_NAME = re.compile(
    r"""(?: (?:epoch|ep)[-_=]?(?P<epoch>\d{1,15}) )?
        (?: (?:^|(?<=\d)[-_])
            (?:global[-_]?|model[-_]?|checkpoint[-_]|ckpt[-_])?
            (?:steps?|iter(?:ation)?s?|checkpoint|ckpt)[-_=]?(?P<step>\d{1,15})
            (?:[-_](?:hf|tokens?[-_]?\d+[kmbt]?))? )?""",
    re.VERBOSE | re.IGNORECASE,
)
GENERIC_FOLDERS = {"checkpoints", "ckpts", "checkpoint", "output", "outputs", "models"}
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "tokenizer.model", "vocab.json", "spiece.model")
# Older task strings begin with one of these; today's lighteval ignores it.
SUITES = {"helm", "bigbench", "harness", "leaderboard", "lighteval", "original", "extended", "custom", "community"}
HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
SECRET = re.compile(r"\b(hf|api_org)_[A-Za-z0-9]{6,}")

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
# Metrics that are no proportion: unit, lowest, highest. The rest is a proportion when its values lie in 0..1.
METRIC_SCALES = {
    "bleu": ("points", 0.0, 100.0),
    "chrf": ("points", 0.0, 100.0),
    "chrf++": ("points", 0.0, 100.0),
    "ter": ("points", 0.0, None),
    "mcc": ("coefficient", -1.0, 1.0),
    "ppl": ("perplexity", 1.0, None),
    "word_perplexity": ("perplexity", 1.0, None),
    "byte_perplexity": ("perplexity", 1.0, None),
    "bits_per_byte": ("bits", 0.0, None),
    "edit_distance": ("characters", 0.0, None),
    "longest_common_prefix_length": ("tokens", 0.0, None),
    "summarization_density": ("ratio", 0.0, None),
    "summarization_compression": ("ratio", 0.0, None),
}
LOWER_IS_BETTER = {"ppl", "word_perplexity", "byte_perplexity", "bits_per_byte", "ter", "edit_distance"}
CORPUS_AGGREGATIONS = {"CorpusLevelF1Score": "corpus_f1", "MatthewsCorrCoef": "matthews_correlation"}

# Warnings of lighteval that are said for every task and tell the user nothing.
NOISE = (
    "batch size is set to",
    "You cannot select the number of dataset splits",
    "num_dataset_splits",
    "Careful, the task",
    "We did not manage to extract a prediction",
    "`torch_dtype` is deprecated",
    "The following generation flags are not valid",
    "MISSING:",  # becomes an error
)

# Complete weights, the first that is there: the file, or an index whose shards are all there.
WEIGHT_FILES = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
    "adapter_model.safetensors",
    "adapter_model.bin",
)


# --- Vocabulary ---------------------------------------------------------------------------------------------------


class ScriptError(Exception):
    """An expected failure, shown as one line; `code` is the exit code: 1 the answer is no, 2 could not, 3 undecided."""

    def __init__(self, message: str, code: int = 2) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class TaskRequest:
    """A task or a family of tasks as asked for, in today's form."""

    name: str
    shots: int

    def __str__(self) -> str:
        return f"{self.name}|{self.shots}"


@dataclass(frozen=True)
class Model:
    """A model to be measured; a Hub model has no folder before it is downloaded."""

    id: str
    weights_sha256: str
    folder: Path | None = None
    revision: str | None = None
    path: str | None = None

    @property
    def checkpoint(self) -> str | None:
        return self.folder.name if self.path and self.folder else None

    @property
    def step(self) -> str | None:
        found = parse_checkpoint_name(self.checkpoint or "")
        return str(found[0]) if found and found[0] is not None else None

    @property
    def developer(self) -> str:
        return self.id.split("/", 1)[0] if "/" in self.id else "unknown"

    @property
    def place(self) -> str:
        """`<developer>/<model>` as path-safe names."""
        return f"{slug(self.developer)}/{slug(self.id.split('/', 1)[-1])}"


@dataclass(frozen=True)
class Settings:
    """What, beside weights and task, decides a score; `batch_size` alone does not enter the key of a finished task."""

    backend: str
    limit: int | None
    batch_size: int | None
    dtype: str
    device: str
    use_chat_template: bool
    system_prompt: str | None
    trust_remote_code: bool
    seed: int
    custom_tasks: Path | None
    custom_tasks_sha256: str | None
    versions: dict[str, str]
    command: str

    @property
    def key(self) -> str:
        parts = {name: value for name, value in asdict(self).items() if name not in NOT_IN_KEY}
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


NOT_IN_KEY = {"batch_size", "custom_tasks", "command", "trust_remote_code"}


@dataclass(frozen=True)
class Dataset:
    """Where a task's items come from; `sha256` and `path` for a local folder."""

    repo: str
    subset: str | None
    splits: tuple[str, ...]
    path: str | None
    sha256: str | None


@dataclass
class Task:
    """A task that lighteval knows, with its items once they are built."""

    name: str
    request: TaskRequest
    group: int
    config: Any
    source: Any
    dataset: Dataset
    docs: list[Any] | None = None
    sample_ids: list[str] = field(default_factory=list)
    total: int | None = None
    revision: str | None = None
    error: str | None = None
    log: list[str] = field(default_factory=list)

    @property
    def title(self) -> str:
        return self.name.rsplit("|", 1)[0]

    @property
    def shots(self) -> str:
        return self.name.rsplit("|", 1)[1]


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
    """A loaded model and how it really runs."""

    model: Any
    dtype: str
    device: str
    batch_size: str
    name: str
    version: str


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


@dataclass
class Outcome:
    """All that a run found out."""

    written: list[Finished] = field(default_factory=list)
    skipped: list[Finished] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)


# --- Pure core: names ---------------------------------------------------------------------------------------------


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Sort key that reads digits as numbers: step_9 before step_10."""
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", name) if part]


def slug(text: str) -> str:
    """A name that is safe as a part of a path: "mmlu:anatomy" -> "mmlu_anatomy"."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text).strip("._") or "unnamed"


def parse_checkpoint_name(name: str) -> tuple[int | None, int | None] | None:
    """(step, epoch) of a checkpoint folder's name, or None when it is not one.

    "checkpoint-500" -> (500, None); "epoch_3" -> (None, 3); "epoch=3-step=1000" -> (1000, 3); "logs" -> None
    """
    match = CHECKPOINT_NAME.fullmatch(name)
    if not match or (match["step"] is None and match["epoch"] is None):
        return None
    return (int(match["step"]) if match["step"] else None), (int(match["epoch"]) if match["epoch"] else None)


def local_id(folder: Path) -> str:
    """`<run>/<folder>` for a checkpoint; the run is the first parent whose name says something."""
    parent = folder.parent
    run_folder = parent.parent if parent.name.lower() in GENERIC_FOLDERS and parent.parent.name else parent
    return f"{run_folder.name or 'local'}/{folder.name}"


def parse_task(text: str) -> TaskRequest:
    """One task string.

    "gsm8k" -> gsm8k|0    "gsm8k|5" -> gsm8k|5    "leaderboard|gsm8k|5|0" -> gsm8k|5    "lighteval|gsm8k" -> gsm8k|0
    """
    parts = [part.strip() for part in text.split("|")]
    shots = "0"
    if len(parts) == 4 and parts[3] in ("0", "1"):  # the old flag "fewer shots when the prompt is too long"
        parts.pop()
    if len(parts) == 3 or (len(parts) == 2 and parts[0] not in SUITES):
        shots = parts.pop()
    name = parts[-1]
    if len(parts) > 2 or not name or not shots.isdecimal():
        raise ScriptError(f"--tasks: {text!r} is no task: write task|shots, for instance gsm8k|5")
    return TaskRequest(name, int(shots))


def parse_tasks(text: str) -> list[TaskRequest]:
    """The tasks of a comma-separated list, each once, in the order given."""
    requests = [parse_task(part) for part in text.split(",") if part.strip()]
    if not requests:
        raise ScriptError('--tasks is empty: give tasks such as "gsm8k|5", or look with --list-tasks')
    return list(dict.fromkeys(requests))


def task_names_in(source: str, module: str) -> set[str]:
    """The names of the tasks that a task file defines, read without running it; a name made at run time is a glob.

    name="gsm8k" -> gsm8k    name=f"mmlu_redux_2:{subset}" -> mmlu_redux_2:*    name=name -> <module>*
    """
    nodes = list(ast.walk(ast.parse(source)))
    assigned = {id(node.value): ast.unparse(node.targets[0]) for node in nodes if isinstance(node, ast.Assign)}
    tables = [
        node.value for node in nodes if isinstance(node, ast.Assign) and assigned[id(node.value)] == "TASKS_TABLE"
    ]
    items = [item for table in tables for item in getattr(table, "elts", [])]
    # A table of variables lists which of the configurations in the file are tasks.
    listed = {item.id for item in items} if items and all(isinstance(item, ast.Name) for item in items) else None
    names = set()
    for call in nodes:
        if not isinstance(call, ast.Call) or not ast.unparse(call.func).endswith("LightevalTaskConfig"):
            continue
        if listed is None or assigned.get(id(call)) in listed:
            value = next((keyword.value for keyword in call.keywords if keyword.arg == "name"), None)
            names.add(name_pattern(value) or f"{module}*")
    return names or {f"{module}*"}


def name_pattern(value: ast.expr | None) -> str | None:
    """A task's name as written in source: a constant, or a glob for what is made of constants and variables."""
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        return value.value
    if isinstance(value, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "*" for part in value.values)
    if isinstance(value, ast.BinOp) and isinstance(value.left, ast.Constant):
        return f"{value.left.value}*"
    return None


def names_match(request: TaskRequest, name: str) -> bool:
    """Whether a name or glob of a catalog may be the task asked for, or one of its family."""
    wanted = request.name.split("@", 1)[0]
    return fnmatch.fnmatchcase(wanted, name) or name.split(":", 1)[0] == wanted


def nearest_tasks(name: str, names: Iterable[str]) -> list[str]:
    """The known names, families included, that look most like a name."""
    known = {part for known in names for part in (known, known.split(":", 1)[0]) if "*" not in part}
    close = difflib.get_close_matches(name, known, n=4, cutoff=0.5)
    return close or sorted(known_name for known_name in known if name.lower() in known_name.lower())[:4]


# --- Pure core: text that leaves the machine ----------------------------------------------------------------------


def scrub(text: str) -> str:
    """A text without tokens and without the folders of this machine."""
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "OPENAI_API_KEY"):
        secret = os.environ.get(name)
        text = text.replace(secret, "***") if secret else text
    text = SECRET.sub(r"\1_***", text).replace(f"{Path.cwd()}{os.sep}", "")
    return text.replace(str(Path.home()), "~")


def shown_path(path: Path) -> str:
    """A path relative to the current directory when below it, else `<run>/<folder>`; never absolute."""
    path = Path(os.path.abspath(path))
    cwd = Path.cwd()
    return path.relative_to(cwd).as_posix() if path.is_relative_to(cwd) and path != cwd else local_id(path)


def command_line(args: argparse.Namespace) -> str:
    """The command that asks for the same again, without the machine's own folders."""
    words = ["uv", "run", "scripts/lighteval_vllm_uv.py"]
    defaults = vars(build_parser().parse_args([]))
    for name, value in vars(args).items():
        if name in ("run", "json", "dry_run", "list_tasks") or value == defaults[name]:
            continue
        words.append("--" + name.replace("_", "-"))
        values = value if isinstance(value, list) else [] if value is True else [value]
        words += [shown_path(Path(item)) if Path(str(item)).is_absolute() else str(item) for item in values]
    return scrub(shlex.join(words))


def explain(error: BaseException) -> str:
    """One line for what went wrong, with what to try."""
    text = scrub(" ".join(str(error).split()))[:400] or type(error).__name__
    kind = type(error).__name__
    if isinstance(error, MemoryError) or kind == "OutOfMemoryError" or "out of memory" in text.lower():
        return f"out of memory: run again with a smaller --batch-size (finished tasks are kept): {text[:120]}"
    if "trust_remote_code" in text:
        return f"the model brings its own code: read it, then add --trust-remote-code ({text[:120]})"
    if kind == "GatedRepoError":
        return f"gated: accept the terms on its page on the Hub and set HF_TOKEN ({text[:160]})"
    if isinstance(error, ScriptError):
        return text
    return f"{kind}: {text}"


# --- Pure core: scores --------------------------------------------------------------------------------------------


def metric_id(name: str) -> str:
    """The shared id of one of lighteval's metrics: acc -> accuracy, pass@k:k=4&n=8 -> pass_at_4."""
    match = re.match(r"pass@k:(?:.*&)?k=(\d+)", name)
    return f"pass_at_{match[1]}" if match else METRIC_IDS.get(name.split(":", 1)[0], name)


def metric_scale(name: str, values: Sequence[float]) -> tuple[str, float | None, float | None]:
    """Unit, lowest and highest value of a metric."""
    known = METRIC_SCALES.get(name.split(":", 1)[0])
    if known:
        return known
    if all(0.0 <= value <= 1.0 for value in values):
        return "proportion", 0.0, 1.0
    return "points", None, None


def as_number(value: Any) -> float:
    """An item's raw value as a number: lists are averaged; for corpus metrics, 1 when the answer is a reference."""
    if hasattr(value, "preds"):
        golds = value.golds if isinstance(value.golds, (list, tuple)) else [value.golds]
        preds = value.preds if isinstance(value.preds, (list, tuple)) else [value.preds]
        return float(any(pred in golds for pred in preds))
    if hasattr(value, "logprobs"):
        value = value.logprobs
    if isinstance(value, (list, tuple)):
        return sum(map(float, value)) / len(value) if value else math.nan
    return float(value)


def standard_deviation(values: Sequence[float]) -> float:
    """The sample standard deviation."""
    mean = sum(values) / len(values)
    return math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))


def aggregation_name(function: Callable[..., Any]) -> str:
    """`mean`, or the name of a corpus-level aggregation."""
    owner = getattr(function, "__self__", None)
    if owner is not None and not isinstance(owner, type(os)):
        return getattr(owner, "metric_type", None) or CORPUS_AGGREGATIONS.get(
            type(owner).__name__, type(owner).__name__
        )
    name = getattr(function, "__name__", type(function).__name__)
    return "mean" if name in ("mean", "nanmean", "fmean") else name


def standard_error(function: Callable[..., Any], values: Sequence[Any], seed: int) -> tuple[float | None, str]:
    """The standard error of an aggregated score: analytic for a mean, else the deviation of bootstrap replicates.

    lighteval's own bootstrap divides that deviation by the root of the number of draws, which is far too small.
    """
    if len(values) < 2:
        return None, ""
    if aggregation_name(function) == "mean":
        return standard_deviation([as_number(value) for value in values]) / math.sqrt(len(values)), "analytic"
    draw = random.Random(seed)
    try:
        drawn = [float(function(draw.choices(values, k=len(values)))) for _ in range(BOOTSTRAP_DRAWS)]
    except (ValueError, TypeError, ArithmeticError):
        return None, ""
    spread = standard_deviation(drawn)
    return (spread, "bootstrap") if math.isfinite(spread) else (None, "")


def is_correct(value: float, score: MetricScore) -> bool:
    """Whether an item got the best possible value."""
    return not score.lower_is_better and value >= (score.high if score.high is not None else 1.0) - 1e-9


# --- Pure core: records -------------------------------------------------------------------------------------------


def strings(values: dict[str, Any]) -> dict[str, str]:
    """Details as the schema wants them: only strings, nothing empty."""
    kept = {name: value for name, value in values.items() if value is not None}
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in kept.items()}


def model_info(model: Model, engine: Engine) -> dict[str, Any]:
    details = {
        "deployment_type": "self_deployed",
        "model_availability": "unknown" if model.path else "open_weights",
        "checkpoint": model.checkpoint,
        "step": model.step,
        "revision": model.revision,
        "path": model.path,
        "weights_sha256": model.weights_sha256,
    }
    return {
        "name": model.id.split("/", 1)[-1],
        "id": model.id,
        "developer": model.developer,
        "inference_engine": {"name": engine.name, "version": engine.version},
        "additional_details": strings(details),
    }


def source_data(task: Task) -> dict[str, Any]:
    details = {"subset": task.dataset.subset, "split": ",".join(task.dataset.splits)}
    if task.dataset.path:
        details |= {"path": task.dataset.path, "data_sha256": task.dataset.sha256, "samples_number": task.total}
        return {"dataset_name": task.title, "source_type": "other", "additional_details": strings(details)}
    return {
        "dataset_name": task.dataset.repo.split("/")[-1],
        "source_type": "hf_dataset",
        "hf_repo": task.dataset.repo,
        "hf_split": ",".join(task.dataset.splits),
        "samples_number": task.total,
        "additional_details": strings({**details, "revision": task.revision}),
    }


def generation_config(task: Task, engine: Engine, settings: Settings) -> dict[str, Any]:
    generative = any(doc.sampling_methods and "GENERATIVE" in str(doc.sampling_methods) for doc in task.docs[:1])
    arguments = {"temperature": 0.0, "max_tokens": task.config.generation_size} if generative else {}
    details = {
        "few_shot": task.shots,
        "few_shot_split": (task.source.fewshot_split or "the evaluated split") if task.shots != "0" else None,
        "seed": settings.seed,
        "dtype": engine.dtype,
        "batch_size": engine.batch_size,
        "backend": settings.backend,
        "device": engine.device,
        "use_chat_template": settings.use_chat_template,
        "system_prompt": settings.system_prompt,
        "limit": settings.limit,
        "trust_remote_code": settings.trust_remote_code,
    }
    return {
        "generation_args": {name: value for name, value in arguments.items() if value is not None},
        "additional_details": strings(details),
    }


def evaluation_result(task: Task, score: MetricScore, engine: Engine, settings: Settings) -> dict[str, Any]:
    uncertainty: dict[str, Any] = {"num_samples": score.samples}
    if score.standard_error is not None:
        uncertainty["standard_error"] = {"value": score.standard_error, "method": score.method}
    if score.method == "bootstrap":
        uncertainty["num_bootstrap_samples"] = BOOTSTRAP_DRAWS
    config = {
        "metric_id": metric_id(score.metric),
        "metric_name": score.metric,
        "metric_unit": score.unit,
        "lower_is_better": score.lower_is_better,
        "min_score": score.low,
        "max_score": score.high,
        "additional_details": {"aggregation": score.aggregation},
    }
    if score.low is not None and score.high is not None:
        config["score_type"] = "continuous"
    return {
        "evaluation_result_id": f"{task.name}/{score.metric}",
        "evaluation_name": task.title,
        "source_data": source_data(task),
        "metric_config": {name: value for name, value in config.items() if value is not None},
        "score_details": {"score": score.value, "details": score.details, "uncertainty": uncertainty},
        "generation_config": generation_config(task, engine, settings),
    }


def make_record(
    model: Model, task: Task, scores: Sequence[MetricScore], engine: Engine, settings: Settings, now: int
) -> dict[str, Any]:
    """A record without its reference to the samples file."""
    library = {
        "command": settings.command,
        "task": task.name,
        "task_request": str(task.request),
        "task_group": task.group,
        "task_version": task.config.version,
        "settings_hash": settings.key,
        "custom_tasks": settings.custom_tasks and shown_path(settings.custom_tasks),
        "custom_tasks_sha256": settings.custom_tasks_sha256,
        "torch": settings.versions.get("torch"),
    }
    return {
        "schema_version": SCHEMA_VERSION,
        "evaluation_id": f"{slug(task.title)}/{model.id}/{now}",
        "evaluation_timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)),
        "retrieved_timestamp": str(now),
        "source_metadata": {
            "source_name": "lighteval_vllm_uv.py",
            "source_type": "evaluation_run",
            "source_organization_name": "unknown",
            "evaluator_relationship": "third_party",
        },
        "model_info": model_info(model, engine),
        "eval_library": {
            "name": "lighteval",
            "version": settings.versions["lighteval"],
            "additional_details": strings(library),
        },
        "evaluation_results": [evaluation_result(task, score, engine, settings) for score in scores],
    }


def sample_input(doc: Any) -> dict[str, Any]:
    """What an item asks, as the task defines it, and its references."""
    choices = [str(choice) for choice in doc.choices or []]
    gold = doc.gold_index if isinstance(doc.gold_index, (list, tuple)) else [doc.gold_index]
    reference: list[str] = []
    for index in gold:
        if isinstance(index, int) and index < len(doc.choices or []):
            chosen = doc.choices[index]
            reference += [str(item) for item in chosen] if isinstance(chosen, (list, tuple)) else [str(chosen)]
    row: dict[str, Any] = {"raw": doc.query, "reference": reference}
    if len(choices) > 1 and "LOGPROBS" in str(doc.sampling_methods):
        row["choices"] = choices
    return row


def sample_row(
    record: dict[str, Any], result: dict[str, Any], sample: tuple[str, Any, str], answer: list[str], error: str | None
) -> dict[str, Any]:
    """One line of a samples file, without the score; `sample` is the item's id, the item and the prompt as sent."""
    sample_id, doc, prompt = sample
    question = sample_input(doc)
    digest = hashlib.sha256((question["raw"] + "".join(question["reference"])).encode()).hexdigest()
    if prompt != question["raw"]:
        question["formatted"] = prompt
    row = {
        "schema_version": SCHEMA_VERSION,
        "evaluation_id": record["evaluation_id"],
        "model_id": record["model_info"]["id"],
        "evaluation_name": result["evaluation_name"],
        "evaluation_result_id": result["evaluation_result_id"],
        "sample_id": sample_id,
        "sample_hash": digest,
        "interaction_type": "single_turn",
        "input": question,
        "output": {"raw": answer},
        "answer_attribution": extracted_answer(doc),
        "evaluation": {"score": 0.0, "is_correct": False},
        "metadata": {"prompt_hash": hashlib.sha256(prompt.encode()).hexdigest()[:16]},
    }
    return row | {"error": error} if error else row


def extracted_answer(doc: Any) -> list[dict[str, Any]]:
    """What a metric that extracts an answer from the text has found in it."""
    found = (doc.specific or {}).get("extracted_predictions") if isinstance(doc.specific, dict) else None
    if not found:
        return []
    row = {"turn_idx": 0, "source": "output.raw", "extracted_value": str(found[0])}
    return [row | {"extraction_method": "lighteval", "is_terminal": True}]


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
            }
        )
    return rows


def score_table(records: Sequence[Finished], failed: Sequence[Failed]) -> list[list[str]]:
    """Scores as rows of text under a heading: models down and tasks across, turned when there are many tasks."""
    cells: dict[tuple[str, str], str] = {}
    for finished in records:
        for result, line in zip(finished.record["evaluation_results"], score_line(finished), strict=True):
            model = finished.record["model_info"]["id"]
            error = f" ± {line['standard_error']:.3f}" if line["standard_error"] is not None else ""
            cells[model, result["evaluation_result_id"]] = f"{line['score']:.3f}{error}"
    results = {result for _, result in cells}
    for failure in failed:
        columns = [result for result in results if result.startswith(f"{failure.task}/")]
        cells |= dict.fromkeys(((failure.model, column) for column in columns or [failure.task]), "failed")
    models = sorted({model for model, _ in cells}, key=natural_key)
    tasks = sorted({task for _, task in cells}, key=natural_key)
    if len(tasks) > max(6, len(models)):
        return [["task", *models], *([task, *(cells.get((model, task), "-") for model in models)] for task in tasks)]
    return [["model", *tasks], *([model, *(cells.get((model, task), "-") for task in tasks)] for model in models)]


def render_table(rows: Sequence[Sequence[str]]) -> str:
    """Rows of text in columns."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def outcome_json(outcome: Outcome) -> dict[str, Any]:
    """What --json prints."""

    def line(finished: Finished) -> dict[str, Any]:
        model = finished.record["model_info"]["id"]
        return {"model": model, "task": finished.task, "path": str(finished.path), "scores": score_line(finished)}

    skipped = [line(finished) | {"reason": "finished before"} for finished in outcome.skipped]
    skipped += [{"model": name, "reason": reason} for name, reason in outcome.left_out]
    return {
        "schema_version": OUTPUT_VERSION,
        "records": [line(finished) for finished in outcome.written],
        "skipped": skipped,
        "failed": [asdict(failure) | {"path": str(failure.path)} for failure in outcome.failed],
    }


# --- Edges: files -------------------------------------------------------------------------------------------------


def note(message: str) -> None:
    """Print a line for people to stderr; stdout carries data only."""
    print(message, file=sys.stderr)


def read_json(path: Path) -> Any:
    """The JSON value in a file; ScriptError when it cannot be read or is not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ScriptError(f"{path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise ScriptError(f"{path}: not valid JSON: {error}") from error


def write_whole(path: Path, text: str) -> None:
    """Write a text file whole or not at all: under a temporary name in its folder, then renamed."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="utf-8", newline="")
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise ScriptError(f"{path}: could not be written: {error.strerror or error}") from error


def weight_files(folder: Path) -> list[Path]:
    """The files that hold a checkpoint's weights; ScriptError(code=1) naming what is missing."""
    for name in WEIGHT_FILES:
        path = folder / name
        if not path.is_file():
            continue
        if not name.endswith(".index.json"):
            return [path]
        shards = sorted({str(shard) for shard in read_json(path).get("weight_map", {}).values()})
        missing = [shard for shard in shards if Path(shard).name != shard or not (folder / shard).is_file()]
        if missing or not shards:
            raise ScriptError(f"no {', '.join(missing) or 'shards in ' + name}", code=1)
        return [folder / shard for shard in shards]
    raise ScriptError("no weights (model.safetensors, its index, pytorch_model.bin or an adapter)", code=1)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, remembered by path, size and modification time in the user's cache folder."""
    state = path.stat()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hub-evals" / "sha256"
    key = f"{path.resolve()}|{state.st_size}|{state.st_mtime_ns}"
    entry = cache / hashlib.sha256(key.encode()).hexdigest()
    with contextlib.suppress(OSError):
        return entry.read_text(encoding="ascii")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    with contextlib.suppress(ScriptError):
        write_whole(entry, digest)
    return digest


def weights_sha256(folder: Path) -> str:
    """One hash for a checkpoint's weights: the file's SHA-256 (as the Hub shows it), or that of the shards' list."""
    files = weight_files(folder)
    if len(files) == 1:
        return file_sha256(files[0])
    lines = "".join(f"{file_sha256(path)}  {path.name}\n" for path in files)
    return hashlib.sha256(lines.encode()).hexdigest()


def data_sha256(folder: Path) -> str:
    """One hash for a local data set: of its files and their names."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    lines = "".join(f"{file_sha256(path)}  {path.relative_to(folder).as_posix()}\n" for path in files)
    return hashlib.sha256(lines.encode()).hexdigest()


# --- Edges: models ------------------------------------------------------------------------------------------------


def missing_part(folder: Path) -> str | None:
    """What a checkpoint folder lacks to be evaluated, or None."""
    if (folder / "adapter_config.json").is_file() and not (folder / "config.json").is_file():
        return "a PEFT adapter alone: merge it into its base model first (merge_and_unload)"
    if not (folder / "config.json").is_file():
        return "no config.json"
    try:
        weight_files(folder)
    except ScriptError as error:
        return str(error)
    if not any((folder / name).is_file() for name in TOKENIZER_FILES):
        return "no tokenizer (tokenizer.json): save it beside the weights with tokenizer.save_pretrained"
    return None


def is_checkpoint(folder: Path) -> bool:
    """Whether a folder is meant as a checkpoint, complete or not."""
    files = ("config.json", *WEIGHT_FILES)
    return parse_checkpoint_name(folder.name) is not None or any((folder / name).is_file() for name in files)


def subfolders(folder: Path) -> list[Path]:
    """The folders in a folder in natural order; hidden ones and links out of it are not followed."""
    inside = folder.resolve()
    found = [path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")]
    found = [path for path in found if path.resolve().is_relative_to(inside)]
    return sorted(found, key=lambda path: natural_key(path.name))


def find_models(folder: Path) -> tuple[list[Path], list[tuple[str, str]]]:
    """The checkpoints in a folder or one level deeper, and those left out with the reason."""
    if any((folder / name).is_file() for name in ("config.json", *WEIGHT_FILES)):
        reason = missing_part(folder)
        if reason:
            raise ScriptError(f"{folder}: {reason}")
        return [folder], []
    found = []
    for path in subfolders(folder):
        found += [path] if is_checkpoint(path) else [deeper for deeper in subfolders(path) if is_checkpoint(deeper)]
    reasons = {path: missing_part(path) for path in found}
    left_out = [(shown_path(path), reason) for path, reason in reasons.items() if reason]
    complete = [path for path, reason in reasons.items() if not reason]
    if not complete:
        detail = "; ".join(f"{name}: {reason}" for name, reason in left_out[:3])
        raise ScriptError(f"{folder}: no complete checkpoint in it{': ' + detail if detail else ''}")
    return complete, left_out


def has_chat_template(folder: Path) -> bool:
    """Whether the tokenizer in a folder brings a chat template."""
    if (folder / "chat_template.jinja").is_file() or (folder / "chat_template.json").is_file():
        return True
    path = folder / "tokenizer_config.json"
    return path.is_file() and bool(read_json(path).get("chat_template"))


def local_model(folder: Path) -> Model:
    """A checkpoint folder as a model."""
    folder = Path(os.path.abspath(folder))
    return Model(local_id(folder), weights_sha256(folder), folder, path=shown_path(folder))


def hub_weights_sha256(files: dict[str, str]) -> str | None:
    """The hash that `weights_sha256` would give, from the Hub's list of files and their hashes."""
    for name in WEIGHT_FILES:
        shards = [name] if not name.endswith(".index.json") else []
        if not shards and name in files:
            stem, suffix = name.removesuffix(".index.json").rsplit(".", 1)
            shards = sorted(file for file in files if re.fullmatch(rf"{stem}-\d+-of-\d+\.{suffix}", file))
        if shards and all(shard in files for shard in shards):
            lines = "".join(f"{files[shard]}  {shard}\n" for shard in shards)
            return files[name] if len(shards) == 1 else hashlib.sha256(lines.encode()).hexdigest()
    return None


def cached_snapshot(name: str) -> Path | None:
    """The newest complete copy of a Hub model in the cache."""
    from huggingface_hub import snapshot_download

    try:
        folder = Path(snapshot_download(name, local_files_only=True))
    except (ValueError, OSError):  # what the client raises when nothing is there
        return None
    return None if missing_part(folder) else folder


def hub_model(name: str, needs_template: bool) -> Model:
    """A model of the Hub at its newest commit; without network, the one in the cache."""
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

    try:
        info = HfApi().model_info(name, files_metadata=True)
    except RepositoryNotFoundError as error:
        raise ScriptError(
            f"{name}: neither a folder here nor a model on the Hub (private or gated: set HF_TOKEN)"
        ) from error
    except HfHubHTTPError as error:
        raise ScriptError(f"{name}: the Hub refused: {explain(error)}") from error
    except Exception as unreachable:  # each HTTP library has its own exceptions for "no connection"
        folder = cached_snapshot(name)
        if folder is None:
            raise ScriptError(
                f"{name}: no folder here, not in the cache, and the Hub is out of reach ({explain(unreachable)[:120]})"
            ) from unreachable
        return Model(name, weights_sha256(folder), folder, revision=folder.name)
    hashes = {item.rfilename: item.lfs.sha256 for item in info.siblings or [] if item.lfs}
    digest = hub_weights_sha256(hashes)
    if not digest:
        raise ScriptError(
            f"{name}: no weights in it that transformers can load (model.safetensors or pytorch_model.bin)"
        )
    model = Model(name, digest, revision=info.sha)
    if needs_template:
        small = ["tokenizer_config.json", "chat_template.jinja", "chat_template.json"]
        folder = Path(snapshot_download(name, revision=info.sha, allow_patterns=small))
        if not has_chat_template(folder):
            raise ScriptError(f"{name}: its tokenizer has no chat template: leave --use-chat-template out")
    return model


def downloaded(model: Model) -> Path:
    """The folder that holds a model's files; a Hub model is fetched, without the weights that are not used."""
    if model.folder:
        return model.folder
    from huggingface_hub import HfApi, snapshot_download

    names = {item.rfilename for item in HfApi().model_info(model.id, revision=model.revision).siblings or []}
    safe = any(name.endswith(".safetensors") and "/" not in name for name in names)
    unwanted = ["*/*", "*.gguf", "*.onnx", "*.h5", "*.msgpack", "*.pt", "*.pth", *(["*.bin"] if safe else [])]
    folder = Path(snapshot_download(model.id, ignore_patterns=unwanted))  # by name, so that it is found offline
    if folder.name != model.revision:
        folder = Path(snapshot_download(model.id, revision=model.revision, ignore_patterns=unwanted))
    return folder


def resolve_models(args: argparse.Namespace) -> tuple[list[Model], list[tuple[str, str]]]:
    """The models that --model names, in the order given, and the folders left out with the reason."""
    models: list[Model] = []
    left_out: list[tuple[str, str]] = []
    for name in args.model:
        path = Path(name).expanduser()
        if path.is_dir():
            folders, incomplete = find_models(path)
            models += [local_model(folder) for folder in folders]
            left_out += incomplete
        elif path.exists() or not HUB_ID.fullmatch(name) or name.startswith((".", "~")):
            raise ScriptError(
                f"{name}: no such folder; give a checkpoint folder, a folder of them, or a Hub id owner/name"
            )
        else:
            models.append(hub_model(name, args.use_chat_template))
    models = list(dict.fromkeys(models))
    if args.model_id and len(models) != 1:
        raise ScriptError(f"--model-id names one model, but --model gives {len(models)}: leave it out")
    return [replace(models[0], id=args.model_id)] if args.model_id else models, left_out


def check_templates(models: Sequence[Model], wanted: bool) -> None:
    """Refuse --use-chat-template for models without one; mention templates that are not used."""
    with_template = [model for model in models if model.folder and has_chat_template(model.folder)]
    without = [model for model in models if model.folder and model not in with_template]
    if wanted and without:
        raise ScriptError(f"{without[0].id}: its tokenizer has no chat template: leave --use-chat-template out")
    if with_template and not wanted:
        note(f"warning: {with_template[0].id} has a chat template; for a chat model add --use-chat-template")


# --- Edges: settings and history ----------------------------------------------------------------------------------


def installed_versions() -> dict[str, str]:
    """Versions of what decides the scores, without importing any of it."""
    try:
        return {name: importlib.metadata.version(name) for name in ("lighteval", "transformers", "torch")}
    except importlib.metadata.PackageNotFoundError as error:
        raise ScriptError(f"{error.name} is not installed: start this script with `uv run`, which brings it") from error


def read_settings(args: argparse.Namespace) -> Settings:
    """The settings of a run; a task file is read for its hash only."""
    custom = Path(args.custom_tasks).expanduser() if args.custom_tasks else None
    if custom and not custom.is_file():
        raise ScriptError(f"--custom-tasks {custom}: no such file; it is a Python file with TASKS_TABLE = [...]")
    return Settings(
        backend=args.backend,
        limit=args.limit,
        batch_size=args.batch_size,
        dtype=args.dtype,
        device=args.device,
        use_chat_template=args.use_chat_template,
        system_prompt=args.system_prompt,
        trust_remote_code=args.trust_remote_code,
        seed=args.seed,
        custom_tasks=custom,
        custom_tasks_sha256=hashlib.sha256(custom.read_bytes()).hexdigest() if custom else None,
        versions=installed_versions(),
        command=command_line(args),
    )


class History:
    """The records and failures that are already in an output folder, by what they measured."""

    def __init__(self, output: Path, models: Iterable[Model]) -> None:
        self.records: dict[tuple[str, str, str], list[Finished]] = collections.defaultdict(list)
        self.failures: dict[tuple[str, str, str], list[Path]] = collections.defaultdict(list)
        self.data: dict[str, str | None] = {}
        for place in dict.fromkeys(model.place for model in models):
            for path in sorted((output / "data").glob(f"*/{place}/*.json")):
                self.read(path)

    def read(self, path: Path) -> None:
        try:
            content = read_json(path)
            if path.name.endswith("_failure.json"):
                self.failures[content["model_id"], content["weights_sha256"], content["settings_hash"]].append(path)
                return
            details, info = content["eval_library"]["additional_details"], content["model_info"]
            key = info["id"], info["additional_details"]["weights_sha256"], details["settings_hash"]
            if path.with_name(f"{path.stem}_samples.jsonl").is_file():
                self.records[key].append(Finished(path, content, details["task"]))
        except (ScriptError, KeyError, TypeError):  # a record of another tool, or broken: not ours to judge
            return

    def found(self, model: Model, settings: Settings) -> list[Finished]:
        return self.records[model.id, model.weights_sha256, settings.key]

    def task(self, model: Model, settings: Settings, task: Task) -> Finished | None:
        """The finished record of a task whose data are the same."""
        for finished in self.found(model, settings):
            details = finished.record["evaluation_results"][0]["source_data"].get("additional_details", {})
            if finished.task == task.name and details.get("data_sha256") == task.dataset.sha256:
                return finished
        return None

    def request(self, model: Model, settings: Settings, request: TaskRequest) -> list[Finished] | None:
        """All records of a task or family asked for, when that can be told from the records alone."""
        found = {
            finished.task: finished
            for finished in self.found(model, settings)
            if finished.record["eval_library"]["additional_details"].get("task_request") == str(request)
            and self.data_unchanged(finished.record)
        }
        group = {row.record["eval_library"]["additional_details"].get("task_group") for row in found.values()}
        return list(found.values()) if group == {str(len(found))} else None

    def data_unchanged(self, record: dict[str, Any]) -> bool:
        source = record["evaluation_results"][0]["source_data"]
        details = source.get("additional_details", {})
        if source["source_type"] != "other":
            return True
        path = details.get("path", "")
        if path not in self.data:
            self.data[path] = data_sha256(Path(path)) if path and Path(path).is_dir() else None
        return self.data[path] is not None and self.data[path] == details.get("data_sha256")

    def forget_failure(self, model: Model, settings: Settings, task: str) -> None:
        """Remove the failure files of a task that has now been measured or has failed anew."""
        for path in self.failures[model.id, model.weights_sha256, settings.key]:
            with contextlib.suppress(ScriptError):
                if read_json(path).get("task") == task:
                    path.unlink(missing_ok=True)


# --- Edges: tasks -------------------------------------------------------------------------------------------------


def built_in_tasks() -> dict[str, str]:
    """The names of lighteval's own tasks, or globs for them, and their modules; read from source in a blink."""
    spec = importlib.util.find_spec("lighteval")
    if spec is None or not spec.submodule_search_locations:
        raise ScriptError("lighteval is not installed: start this script with `uv run`, which brings it")
    folder = Path(next(iter(spec.submodule_search_locations))) / "tasks" / "tasks"
    names = {}
    for path in sorted([*folder.glob("*.py"), *folder.glob("*/main.py")]):
        module = path.stem if path.parent == folder else f"{path.parent.name}.main"
        if path.stem != "__init__":
            short = path.stem if path.parent == folder else path.parent.name
            found = task_names_in(path.read_text(encoding="utf-8"), short)
            names |= dict.fromkeys(found, f"lighteval.tasks.tasks.{module}")
    return names


def custom_task_names(path: Path) -> set[str]:
    """The names in a user's task file, read without running it."""
    try:
        names = task_names_in(path.read_text(encoding="utf-8"), "")
    except (OSError, UnicodeDecodeError) as error:
        raise ScriptError(f"--custom-tasks {path}: {error}") from error
    except SyntaxError as error:
        raise ScriptError(f"--custom-tasks {path}:{error.lineno}: {error.msg}") from error
    return names


def unknown_task(request: TaskRequest, names: Iterable[str]) -> ScriptError:
    close = nearest_tasks(request.name, names)
    hint = f"did you mean {', '.join(close)}?" if close else "see --list-tasks"
    return ScriptError(f"no task {request.name!r} in lighteval or --custom-tasks: {hint}")


def modules_for(requests: Sequence[TaskRequest], custom: Path | None) -> list[str]:
    """lighteval's modules that hold the tasks asked for; ScriptError with the nearest names for an unknown one.

    Only these are imported: lighteval's registry imports all, some of which download things or ask the Hub for models.
    """
    own = custom_task_names(custom) if custom else set()
    if not custom and any(request.name == ALL for request in requests):
        raise ScriptError("--tasks all means all tasks of --custom-tasks FILE: name the file, or the tasks")
    known = {ALL, *own} - {"*"}
    rest = [request for request in requests if not any(names_match(request, name) for name in known)]
    if not rest:
        return []
    catalog = built_in_tasks()
    modules = []
    for request in rest:
        found = {module for name, module in catalog.items() if names_match(request, name)}
        if not found and "*" not in own:
            raise unknown_task(request, [*own, *catalog])
        modules += sorted(found)
    return list(dict.fromkeys(modules))


def import_task_file(path: Path) -> dict[str, Any]:
    """The task configurations of a user's file."""
    from lighteval.tasks.registry import Registry

    try:
        module = Registry.create_custom_tasks_module(str(path))
        return {config.name: config for config in module.TASKS_TABLE}
    except Exception as error:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        raise ScriptError(f"--custom-tasks {path}{f':{lines[-1]}' if lines else ''}: {explain(error)}") from error


def load_tasks(requests: Sequence[TaskRequest], modules: Sequence[str], custom: Path | None) -> list[Task]:
    """The tasks asked for, families as their subtasks, in the order given and each once."""
    import lighteval.tasks.registry as registry

    own = import_task_file(custom) if custom else {}
    configs = dict(own)
    for module in modules:
        table = importlib.import_module(module).TASKS_TABLE
        clash = sorted(config.name for config in table if config.name in own)
        if clash:
            raise ScriptError(f"--custom-tasks {custom}: {clash[0]} is one of lighteval's own tasks: rename yours")
        configs |= {config.name: config for config in table}
    registry.Registry.load_all_task_configs = staticmethod(lambda **_: configs)
    memoise_downloads()
    tasks: dict[str, Task] = {}
    for request in requests:
        names = [TaskRequest(name, request.shots) for name in own] if request.name == ALL else [request]
        if not names or not any(names_match(names[0], name) for name in configs):
            raise unknown_task(request, configs)
        found: dict[str, Any] = {}
        for name in names:
            try:
                found |= registry.Registry(tasks=str(name)).load_tasks()
            except ValueError as error:
                raise ScriptError(f"--tasks: {name}: {error}") from error
        for name, source in found.items():
            tasks.setdefault(name, Task(name, request, len(found), source.config, source, dataset_of(source.config)))
    return list(tasks.values())


def memoise_downloads() -> None:
    """Let tasks that share a data set load it once."""
    from lighteval.tasks.lighteval_task import LightevalTask

    download = LightevalTask.download_dataset_worker
    loaded: dict[tuple[Any, ...], Any] = {}

    def once(task: Any) -> Any:
        key = (task.dataset_path, task.dataset_config_name, task.dataset_revision, task.dataset_filter)
        if key not in loaded:
            loaded[key] = download(task)
        return loaded[key]

    LightevalTask.download_dataset_worker = staticmethod(once)


def dataset_of(config: Any) -> Dataset:
    """Where a task's items come from."""
    folder = Path(config.hf_repo)
    local = folder.is_dir()
    return Dataset(
        repo=config.hf_repo,
        subset=None if local and config.hf_subset == "default" else config.hf_subset,
        splits=tuple(config.evaluation_splits),
        path=shown_path(folder) if local else None,
        sha256=data_sha256(folder) if local else None,
    )


def build_docs(task: Task, settings: Settings) -> None:
    """Load a task's items and build its few-shot prompts, once for all models."""
    from lighteval.tasks.lighteval_task import LightevalTask

    seed_everything(settings.seed)
    source = task.source
    source.dataset = LightevalTask.download_dataset_worker(source)
    items = source.eval_docs()
    task.total = len(items)
    names = {id(doc): name for doc, name in zip(items, name_items(items, source.dataset, task.dataset), strict=True)}
    docs = source.get_docs(settings.limit)
    task.sample_ids = [names[id(doc)] for doc in docs]
    task.revision = task.config.hf_revision or dataset_revision(source.dataset)
    task.docs = docs


def name_items(docs: Sequence[Any], data: Any, dataset: Dataset) -> list[str]:
    """The data set's own id of each item when it has one, else `<split>/<row>`; rows count from 0 in each split."""
    rows, split, last = [], 0, -1
    for doc in docs:
        row = int(doc.id)
        split, last = (min(split + 1, len(dataset.splits) - 1), row) if row <= last else (split, row)
        rows.append((dataset.splits[split], row))
    if all("id" in data[name].column_names for name in dataset.splits):
        columns = {name: data[name]["id"] for name in dataset.splits}
        names = [str(columns[name][row]) for name, row in rows]
        if len(set(names)) == len(names) and all(names):
            return names
    return [f"{name}/{row}" for name, row in rows]


def dataset_revision(dataset: Any) -> str | None:
    """The commit of a Hub data set, which `datasets` keeps in the path of its cache."""
    for split in dataset.values():
        for file in getattr(split, "cache_files", []):
            match = re.search(r"[/\\]([0-9a-f]{40})[/\\]", file.get("filename", ""))
            if match:
                return match[1]
    return None


def seed_everything(seed: int) -> None:
    import numpy
    import torch

    random.seed(seed)
    numpy.random.seed(seed % 2**32)
    torch.manual_seed(seed)


# --- Edges: logs and progress -------------------------------------------------------------------------------------


class LogTail(logging.Handler):
    """Keeps the last log lines for failure files and shows each kind of warning once."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: collections.deque[str] = collections.deque(maxlen=LOG_LINES)
        self.seen: set[tuple[str, int]] = set()

    def emit(self, record: logging.LogRecord) -> None:
        text = scrub(f"{record.levelname.lower()}: {record.getMessage()}")
        self.lines.append(text[:500])
        where = record.name, record.lineno
        if record.levelno >= logging.WARNING and where not in self.seen and not any(said in text for said in NOISE):
            self.seen.add(where)
            note(text[:300])


def capture_logs() -> LogTail:
    """Send all logs to a LogTail, and quiet what prints by itself."""
    import warnings

    warnings.filterwarnings("ignore")
    tail = LogTail()
    logging.basicConfig(level=logging.INFO, handlers=[tail], force=True)
    os.environ["HF_DATASETS_DISABLE_PROGRESS_BARS"] = "1"
    for name in ("httpx", "urllib3", "filelock", "fsspec", "datasets"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return tail


def adopt_loggers(tail: LogTail) -> None:
    """Take the loggers of libraries that print by themselves, once these are imported."""
    for name in ("huggingface_hub", "transformers", "datasets", "accelerate"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [tail], False


@contextlib.contextmanager
def sweep_progress(total: int) -> Iterator[Callable[[str, str | None], None]]:
    """Yields a function (what runs now, what it gave): a bar with an ETA in a terminal, plain lines elsewhere."""
    if not sys.stderr.isatty():
        done = 0

        def line(title: str, result: str | None) -> None:
            nonlocal done
            if result is not None:
                done += 1
                note(f"[{done}/{total}] {title}: {result}")

        yield line
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = [
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    ]
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        entry = bar.add_task("", total=total)

        def show(title: str, result: str | None) -> None:
            bar.update(entry, description=title, advance=0 if result is None else 1)

        yield show


# --- Edges: the engine --------------------------------------------------------------------------------------------


def prepare_device(device: str) -> None:
    """Choose the device before torch is imported; lighteval's own `device` setting has no effect."""
    # Threads that wait by spinning make a busy CPU many times slower; this is read when torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
        os.environ["ACCELERATE_USE_CPU"] = "true"
    elif device != "auto":
        os.environ["ACCELERATE_TORCH_DEVICE"] = device


def check_device(device: str) -> None:
    """Refuse a device that is not there, before anything is loaded onto it."""
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there.get(device.split(":", 1)[0], True):
        raise ScriptError(f"--device {device}: no such device here: leave it out, or say --device cpu")


def go_offline() -> None:
    """Forbid the Hub's client any call; for runs in which everything is local."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    import datasets.config
    import huggingface_hub.constants

    huggingface_hub.constants.HF_HUB_OFFLINE = True
    datasets.config.HF_HUB_OFFLINE = True
    datasets.config.HF_DATASETS_OFFLINE = True


def choose_dtype(requested: str, folder: Path, on_cpu: bool) -> str:
    """`auto` is float32 on a CPU; elsewhere what the checkpoint was saved in."""
    if requested != "auto":
        return requested
    config = read_json(folder / "config.json")
    return "float32" if on_cpu else str(config.get("dtype") or config.get("torch_dtype") or "auto")


def open_accelerate(model: Model, settings: Settings) -> Engine:
    """Load a model with lighteval's transformers backend."""
    import torch
    import transformers
    from lighteval.models.transformers import transformers_model as backend

    transformers.utils.logging.disable_progress_bar()
    # lighteval keeps answers by configuration, not by weights, and in the model's folder: both are wrong here.
    backend.SampleCache = lambda config: None

    class QuietModel(backend.TransformersModel):
        disable_tqdm = True

    folder = downloaded(model)
    on_cpu = settings.device == "cpu" or not (torch.cuda.is_available() or torch.backends.mps.is_available())
    batch_size = settings.batch_size or (CPU_BATCH_SIZE if on_cpu else None)
    config = backend.TransformersModelConfig(
        model_name=str(folder.resolve()),
        batch_size=batch_size,
        dtype=choose_dtype(settings.dtype, folder, on_cpu),
        trust_remote_code=settings.trust_remote_code,
        override_chat_template=settings.use_chat_template,
        system_prompt=settings.system_prompt,
        model_parallel=None if settings.device == "auto" else False,
    )
    with load_reports() as reports:
        loaded = QuietModel(config)
    check_weights(loaded.model, reports)
    if model.path and weights_sha256(folder) != model.weights_sha256:
        raise ScriptError(
            f"{model.path}: its weights changed while they were read: run again when the training is done"
        )
    dtype = str(loaded.model.dtype).removeprefix("torch.")
    return Engine(
        loaded, dtype, str(loaded.device), str(batch_size or "auto"), "transformers", transformers.__version__
    )


# A backend turns a model and settings into an Engine whose model is a LightevalModel.
OPEN: dict[str, Callable[[Model, Settings], Engine]] = {"accelerate": open_accelerate}


@contextlib.contextmanager
def load_reports() -> Iterator[list[str]]:
    """Collects what transformers says while it loads weights; tensors that are missing are only a warning there."""
    said: list[str] = []
    logger = logging.getLogger("transformers.modeling_utils")

    def listen(record: logging.LogRecord) -> bool:
        said.append(record.getMessage())
        return True

    logger.addFilter(listen)
    try:
        yield said
    finally:
        logger.removeFilter(listen)


def check_weights(model: Any, reports: Sequence[str]) -> None:
    """Refuse a model of which a part was made up while loading, or whose numbers are broken."""
    import torch

    made_up = [
        re.split(r"[\s|]", line.strip())[0] for report in reports for line in report.splitlines() if "MISSING" in line
    ]
    if made_up and "LOAD REPORT" in "".join(reports):
        raise ScriptError(f"its weights are incomplete: {made_up[0]} is not in the files")
    for name, tensor in model.named_parameters():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise ScriptError(
                f"its weights are broken: {name} holds values that are no numbers (did the training diverge?)"
            )


def close_engine(engine: Engine) -> None:
    engine.model.cleanup()
    gc.collect()


# --- Edges: measuring ---------------------------------------------------------------------------------------------


def answer_all(engine: Engine, docs: list[Any], methods: Sequence[Any]) -> dict[Any, list[Any]]:
    """The model's answers to all items of a task, for each way in which its metrics ask."""
    from lighteval.tasks.requests import SamplingMethod
    from lighteval.utils.utils import remove_reasoning_tags

    ask = {
        SamplingMethod.GENERATIVE: engine.model.greedy_until,
        SamplingMethod.LOGPROBS: engine.model.loglikelihood,
        SamplingMethod.PERPLEXITY: engine.model.loglikelihood_rolling,
    }
    answers = {method: ask[method](docs) for method in sorted(methods, key=str)}
    for response in (response for responses in answers.values() for response in responses):
        response.text_post_processed = [remove_reasoning_tags(text, REASONING_TAGS) for text in response.text]
    return answers


def score_all(task: Task, docs: list[Any], answers: dict[Any, list[Any]]) -> list[Scored]:
    """lighteval's metrics on every item; an item that cannot be scored is left with its error."""
    scored = []
    for method, responses in answers.items():
        metrics = [metric for metric in task.source.metrics if metric.category == method]
        outputs, errors = apply_metrics(metrics, docs, responses)
        for name in dict.fromkeys(name for output in outputs for name in output):
            metric = next(metric for metric in metrics if name == metric.metric_name or name in metric.metric_name)
            scored.append(Scored(name, metric, responses, [output.get(name) for output in outputs], errors))
    return scored


def apply_metrics(
    metrics: list[Any], docs: list[Any], responses: list[Any]
) -> tuple[list[dict[str, Any]], list[str | None]]:
    """A value per metric for each item, or {} and the reason."""
    from lighteval.metrics import apply_metric

    errors: list[str | None] = [
        "the model's log-probabilities are not numbers" if any(map(math.isnan, response.logprobs)) else None
        for response in responses
    ]
    good = [index for index, error in enumerate(errors) if error is None]
    outputs: list[dict[str, Any]] = [{} for _ in docs]
    try:
        values = apply_metric([responses[i] for i in good], [docs[i] for i in good], metrics) if good else []
        for index, value in zip(good, values, strict=True):
            outputs[index] = value
    except Exception:  # one bad item spoils the batch: score them one by one and keep its error
        for index in good:
            try:
                outputs[index] = apply_metric([responses[index]], [docs[index]], metrics)[0]
            except Exception as error:
                errors[index] = explain(error)
    for index, output in enumerate(outputs):
        if any(not math.isfinite(as_number(value)) for value in output.values()):
            outputs[index], errors[index] = {}, "the metric gave no finite number"
    return outputs, errors


def add_up(task: Task, scored: Scored, docs: list[Any], engine: Engine, seed: int) -> list[MetricScore]:
    """The score of a metric over the items that have a value."""
    values = [value for value in scored.values if value is not None]
    if not values:
        raise ScriptError(f"no item could be scored: {next(filter(None, scored.errors), 'no value')}")
    function = task.source.aggregation()[scored.name]
    result = function(values)
    error, method = standard_error(function, values, seed) if not isinstance(result, dict) else (None, "")
    scores = []
    for name, value in (result if isinstance(result, dict) else {scored.name: result}).items():
        numbers = [as_number(item) for item in values]
        unit, low, high = metric_scale(name, [*numbers, float(value)])
        better = scored.metric.higher_is_better
        better = better.get(name, True) if isinstance(better, dict) else better
        if not math.isfinite(value):
            raise ScriptError(f"{name} is {value}: not a score")
        scores.append(
            MetricScore(
                metric=name,
                value=float(value),
                standard_error=error,
                method=method,
                aggregation=aggregation_name(function),
                lower_is_better=name.split(":", 1)[0] in LOWER_IS_BETTER or not better,
                unit=unit,
                low=low,
                high=high,
                samples=len(values),
                details=count_answers(scored, docs, engine),
            )
        )
    return scores


def count_answers(scored: Scored, docs: list[Any], engine: Engine) -> dict[str, str]:
    """How many answers are empty, cut off at the token limit, or hold nothing that the metric could read."""
    generative = str(getattr(scored.metric.category, "value", "")) == "GENERATIVE"
    pairs = list(zip(docs, scored.responses, strict=True))
    empty = sum(not any(text.strip() for text in response.final_text) for _, response in pairs) if generative else 0
    cut = sum(is_cut_off(doc, response, engine.model) for doc, response in pairs) if generative else 0
    found = [(doc.specific or {}).get("extracted_predictions") for doc in docs if isinstance(doc.specific, dict | None)]
    counts = {"empty": empty, "truncated": cut, "unparsed": sum(item == [] for item in found)}
    counts["unscored"] = sum(error is not None for error in scored.errors)
    counts["truncated_prompts"] = sum(is_cut_prompt(response, engine.model) for response in scored.responses)
    return {name: str(count) for name, count in counts.items()}


def is_cut_off(doc: Any, response: Any, model: Any) -> bool:
    """Whether an answer ended at the token limit and not at a stop sequence or the end-of-text token."""
    stops = [stop for stop in doc.stop_sequences or [] if stop]
    for tokens in response.output_tokens:
        tokens = tokens.tolist() if hasattr(tokens, "tolist") else list(tokens)
        if len(tokens) < (doc.generation_size or math.inf) or model.tokenizer.eos_token_id in tokens:
            continue
        if not any(stop in model.tokenizer.decode(tokens) for stop in stops):
            return True
    return False


def is_cut_prompt(response: Any, model: Any) -> bool:
    """Whether a multiple-choice prompt and its longest choice do not fit the model's context."""
    longest = max((len(tokens) for tokens in response.output_tokens), default=0) if response.logprobs else 0
    return bool(longest) and len(response.input_tokens) + longest > model.max_length + 1


def shown_answer(scored: Scored, doc: Any, response: Any) -> list[str]:
    """The answer of a sample row: the text, or the choice that the metric found most likely."""
    if response.text:
        return list(response.text)
    choices = [str(choice) for choice in doc.choices or []]
    chances = response.logprobs[: len(choices)]
    rule = getattr(scored.metric.sample_level_fn, "logprob_normalization", None)
    if rule and len(response.logprobs) == len(choices):
        from lighteval.metrics.normalizations import normalize_log_probs

        chances = normalize_log_probs(rule, chances, None, choices, response.output_tokens)
    return [choices[max(range(len(chances)), key=chances.__getitem__)]] if len(choices) > 1 and chances else []


def sample_rows(
    record: dict[str, Any], task: Task, docs: list[Any], scored: Scored, score: MetricScore, prompts: list[str]
) -> Iterator[str]:
    """The lines of a samples file for one metric, in the order of the data set."""
    wanted = f"{task.name}/{score.metric}"
    result = next(row for row in record["evaluation_results"] if row["evaluation_result_id"] == wanted)
    order = sorted(range(len(docs)), key=lambda index: natural_key(task.sample_ids[index]))
    for index in order:
        doc, response, error = docs[index], scored.responses[index], scored.errors[index]
        sample = task.sample_ids[index], doc, prompts[index]
        row = sample_row(record, result, sample, shown_answer(scored, doc, response), error)
        if error is None:
            value = as_number(scored.values[index])
            row["evaluation"] = {"score": value, "is_correct": is_correct(value, score)}
        yield json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n"


def measure(model: Model, task: Task, engine: Engine, settings: Settings, now: int) -> tuple[dict[str, Any], str]:
    """One model on one task: the record and the text of its samples file."""
    seed_everything(settings.seed)
    docs = [replace(doc, specific=dict(doc.specific) if isinstance(doc.specific, dict) else None) for doc in task.docs]
    answers = answer_all(engine, docs, set(task.source.sampling_methods))
    scored = score_all(task, docs, answers)
    scores = [(row, score) for row in scored for score in add_up(task, row, docs, engine, settings.seed)]
    if not scores:
        raise ScriptError("the task has no metric")
    record = make_record(model, task, [score for _, score in scores], engine, settings, now)
    prompts = [engine.model.prompt_manager.prepare_prompt(doc) for doc in docs]
    kept = [(row, score) for row, score in scores if row.name == score.metric]
    lines = [line for row, score in kept for line in sample_rows(record, task, docs, row, score, prompts)]
    return record, "".join(lines)


def write_record(output: Path, model: Model, task: Task, record: dict[str, Any], samples: str) -> Finished:
    """Put a record and its samples in their place, the samples first, so that a record is never without them."""
    name = str(uuid.uuid4())
    folder = Path("data") / slug(task.title) / model.place
    record["detailed_evaluation_results"] = {
        "format": "jsonl",
        "file_path": (folder / f"{name}_samples.jsonl").as_posix(),
        "hash_algorithm": "sha256",
        "checksum": hashlib.sha256(samples.encode()).hexdigest(),
        "total_rows": samples.count("\n"),
    }
    path = output / folder / f"{name}.json"
    write_whole(path.with_name(f"{name}_samples.jsonl"), samples)
    write_whole(path, json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    return Finished(path, record, task.name)


def write_failure(output: Path, model: Model, task: Task, settings: Settings, error: str, log: list[str]) -> Failed:
    """Say on disk that a task gave no score, and why."""
    path = output / "data" / slug(task.title) / model.place / f"{uuid.uuid4()}_failure.json"
    kept = {name: value for name, value in asdict(settings).items() if name not in ("custom_tasks", "command")}
    content = {
        "failure_version": "1",
        "task": task.name,
        "model_id": model.id,
        "weights_sha256": model.weights_sha256,
        "path": model.path,
        "error": error,
        "time": str(int(time.time())),
        "settings": kept,
        "settings_hash": settings.key,
        "command": settings.command,
        "log": log,
    }
    write_whole(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    return Failed(path, model.id, task.name, error)


# --- Commands -----------------------------------------------------------------------------------------------------


class Sweep:
    """Measures models one after the other on the tasks that each still lacks."""

    def __init__(self, output: Path, settings: Settings, history: History, tail: LogTail) -> None:
        self.output, self.settings, self.history, self.outcome = output, settings, history, Outcome()
        self.tail = tail
        self.stamps: set[tuple[str, str, int]] = set()

    def run(self, pending: dict[Model, list[Task]]) -> None:
        with sweep_progress(sum(map(len, pending.values()))) as show, contextlib.redirect_stdout(sys.stderr):
            for model, tasks in pending.items():
                show(f"{model.id} is loaded", None)
                try:
                    engine = OPEN[self.settings.backend](model, self.settings)
                except Exception as error:
                    for task in tasks:
                        self.fail(model, task, error, show)
                    continue
                for task in tasks:
                    self.one(model, task, engine, show)
                close_engine(engine)

    def one(self, model: Model, task: Task, engine: Engine, show: Callable[[str, str | None], None]) -> None:
        show(f"{model.id} {task.name}", None)
        began = time.monotonic()
        try:
            self.build(task)
            record, samples = measure(model, task, engine, self.settings, self.stamp(model, task))
        except Exception as error:
            return self.fail(model, task, error, show)
        finished = write_record(self.output, model, task, record, samples)
        self.outcome.written.append(finished)
        self.history.forget_failure(model, self.settings, task.name)
        line = score_line(finished)[0]
        show(f"{model.id} {task.name}", f"{line['metric']} {line['score']:.3f} ({time.monotonic() - began:.1f} s)")

    def build(self, task: Task) -> None:
        """Build a task's items at its first use; what failed once is not tried again for the next model."""
        if task.error:
            raise ScriptError(task.error)
        if task.docs is not None:
            return
        try:
            build_docs(task, self.settings)
        except Exception as error:
            task.error = f"its data set {scrub(task.dataset.path or task.dataset.repo)} gave no items: {explain(error)}"
            raise ScriptError(task.error) from error

    def stamp(self, model: Model, task: Task) -> int:
        """The time in seconds, moved on where another record of this run would get the same evaluation_id."""
        now = int(time.time())
        while (slug(task.title), model.id, now) in self.stamps:
            now += 1
        self.stamps.add((slug(task.title), model.id, now))
        return now

    def fail(self, model: Model, task: Task, error: BaseException, show: Callable[[str, str | None], None]) -> None:
        origin = error
        while origin.__cause__ is not None:
            origin = origin.__cause__
        frames = traceback.extract_tb(origin.__traceback__)[-4:]
        where = [f"at {Path(frame.filename).name}:{frame.lineno} in {frame.name}" for frame in frames]
        self.history.forget_failure(model, self.settings, task.name)
        failed = write_failure(self.output, model, task, self.settings, explain(error), [*self.tail.lines, *where])
        self.outcome.failed.append(failed)
        show(f"{model.id} {task.name}", f"FAILED: {failed.error[:200]}")


def list_tasks(pattern: str, custom: str | None, as_json: bool) -> int:
    """Print the names of tasks, those that are made at run time as globs."""
    names = set(built_in_tasks()) | (custom_task_names(Path(custom)) if custom else set())
    wanted = fnmatch.translate(f"*{pattern}*") if pattern else ".*"
    found = sorted((name for name in names if re.match(wanted, name)), key=natural_key)
    if not found:
        raise ScriptError(
            f"no task is called like {pattern!r}: {', '.join(nearest_tasks(pattern, names)) or 'see --list-tasks'}"
        )
    print(json.dumps({"schema_version": OUTPUT_VERSION, "tasks": found}, indent=1) if as_json else "\n".join(found))
    return 0


def check_arguments(args: argparse.Namespace) -> None:
    """What argparse cannot know."""
    if not args.model or not args.tasks:
        missing = "--model" if not args.model else "--tasks"
        raise ScriptError(f"{missing} is missing: give models and tasks (or --list-tasks to see the names)")
    if args.backend == "vllm":
        raise ScriptError(
            "--backend vllm is not there yet in this version: use --backend accelerate (the same tasks and scores)"
        )
    for name in ("limit", "batch_size"):
        if getattr(args, name) is not None and getattr(args, name) < 1:
            raise ScriptError(f"--{name.replace('_', '-')} must be at least 1")


def is_all_local(models: Sequence[Model], tasks: Sequence[Task]) -> bool:
    return all(model.folder for model in models) and all(task.dataset.path for task in tasks)


def show_plan(
    models: Sequence[Model], tasks: Sequence[Task], settings: Settings, outcome: Outcome, as_json: bool
) -> int:
    """Say what a run would do; local data sets are read to count the items."""
    for task in tasks if is_all_local([], tasks) else [task for task in tasks if task.dataset.path]:
        with contextlib.redirect_stdout(sys.stderr):
            build_docs(task, settings)
    rows = [plan_row(task) for task in tasks]
    done = {(finished.record["model_info"]["id"], finished.task) for finished in outcome.skipped}
    plan = {
        "schema_version": OUTPUT_VERSION,
        "backend": settings.backend,
        "versions": settings.versions,
        "models": [asdict(model) | {"folder": None, "step": model.step} for model in models],
        "tasks": rows,
        "to_run": len(models) * len(tasks) - len(done),
        "finished": len(done),
        "skipped": [{"model": name, "reason": reason} for name, reason in outcome.left_out],
    }
    if as_json:
        print(json.dumps(plan, indent=1))
        return 0
    print(
        render_table(
            [["model", "weights", "path"], *([m.id, m.weights_sha256[:12], m.path or m.revision or ""] for m in models)]
        )
    )
    cells = [[str(value) for value in row.values()] for row in rows]
    print("\n" + render_table([list(rows[0]), *cells]))
    versions = ", ".join(f"{name} {version}" for name, version in settings.versions.items())
    print(f"\n{plan['to_run']} to run, {plan['finished']} finished; {settings.backend}, {versions}")
    return 0


def plan_row(task: Task) -> dict[str, Any]:
    """A task in the plan; numbers are unknown for a data set that is not here yet."""
    docs = task.docs
    requests = sum(len(doc.choices or []) if "LOGPROBS" in str(doc.sampling_methods) else 1 for doc in docs or [])
    return {
        "task": task.name,
        "data set": task.dataset.path or task.dataset.repo,
        "split": ",".join(task.dataset.splits),
        "items": len(docs) if docs is not None else "not downloaded",
        "requests": requests if docs is not None else "?",
        "metrics": ",".join(str(metric.metric_name) for metric in task.source.metrics),
    }


def report(outcome: Outcome, output: Path, as_json: bool) -> int:
    """Print the scores and where the records are."""
    records = [*outcome.skipped, *outcome.written]
    if not records:
        first = outcome.failed[0]
        raise ScriptError(
            f"nothing was measured: {len(outcome.failed)} failed, first {first.task}: {first.error} (see {first.path})"
        )
    if as_json:
        print(json.dumps(outcome_json(outcome), indent=1))
    else:
        show_table(score_table(records, outcome.failed))
        print(f"\nrecords: {output / 'data'} ({len(outcome.written)} new, {len(outcome.skipped)} finished before)")
    for failure in outcome.failed[:SHOWN_FAILURES]:
        note(f"failed: {failure.model} {failure.task}: {failure.error[:200]} (see {failure.path})")
    if len(outcome.failed) > SHOWN_FAILURES:
        note(f"failed: {len(outcome.failed)} in all, each with a _failure.json; the same command tries them again")
    return 1 if outcome.failed else 0


def show_table(rows: list[list[str]]) -> None:
    if not sys.stdout.isatty():
        print(render_table(rows))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(*rows[0])
    for row in rows[1:]:
        table.add_row(*row)
    Console().print(table)


def run(args: argparse.Namespace) -> int:
    """Evaluate, or say what would be evaluated."""
    if args.list_tasks is not None:
        return list_tasks(args.list_tasks, args.custom_tasks, args.json)
    check_arguments(args)
    requests = parse_tasks(args.tasks)
    settings = read_settings(args)
    modules = modules_for(requests, settings.custom_tasks)
    models, left_out = resolve_models(args)
    check_templates(models, settings.use_chat_template)
    for name, reason in left_out:
        note(f"warning: {name} is skipped: {reason}")
    output = Path(args.output_dir)
    history = History(output, models)
    known = [history.request(model, settings, request) for model in models for request in requests]
    if all(known) and not args.dry_run:
        skipped = list({finished.path: finished for found in known for finished in found}.values())
        return report(Outcome(skipped=skipped, left_out=left_out), output, args.json)

    if sys.stderr.isatty():
        note("lighteval is loaded ...")
    prepare_device(settings.device)
    tail = capture_logs()
    with contextlib.redirect_stdout(sys.stderr):
        tasks = load_tasks(requests, modules, settings.custom_tasks)
    adopt_loggers(tail)
    check_device(settings.device)
    before = {model: {task.name: history.task(model, settings, task) for task in tasks} for model in models}
    skipped = [finished for row in before.values() for finished in row.values() if finished]
    if is_all_local(models, tasks):
        go_offline()
    if args.dry_run:
        return show_plan(models, tasks, settings, Outcome(skipped=skipped, left_out=left_out), args.json)
    sweep = Sweep(output, settings, history, tail)
    sweep.run({model: rest for model in models if (rest := [task for task in tasks if not before[model][task.name]])})
    return report(replace(sweep.outcome, skipped=skipped, left_out=left_out), output, args.json)


# --- The frame ----------------------------------------------------------------------------------------------------


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--model", nargs="+", metavar="M", help="Hub ids, checkpoint folders, or a folder of checkpoints")
    add("--tasks", metavar="LIST", help='comma-separated tasks: "gsm8k|5,leaderboard|mmlu|5"')
    add("--custom-tasks", metavar="FILE", help="a Python file with TASKS_TABLE = [LightevalTaskConfig(...)]; it is run")
    add("--backend", choices=BACKENDS, default="accelerate", help="default: accelerate; vllm comes later")
    add("--limit", "--max-samples", type=int, metavar="N", help="only N items of each task (a smoke test, no result)")
    add("--batch-size", type=int, metavar="N", help=f"default: found out on a GPU, {CPU_BATCH_SIZE} on a CPU")
    add("--dtype", choices=DTYPES, default="auto", help="auto: the checkpoint's own on a GPU, float32 on a CPU")
    add("--device", default="auto", metavar="D", help="auto, cpu, cuda, cuda:1, mps; default: auto")
    add("--use-chat-template", action="store_true", help="send the prompts through the tokenizer's chat template")
    add("--system-prompt", metavar="TEXT", help="put this in front of every prompt")
    add("--trust-remote-code", action="store_true", help="let the model's repository run its own code")
    add("--seed", type=int, default=DEFAULT_SEED, help=f"for tasks that draw at random; default: {DEFAULT_SEED}")
    add("--output-dir", default="results", metavar="DIR", help="where the records go; default: results")
    add("--model-id", metavar="ID", help="the id in the records, for one model; default: Hub id or <run>/<checkpoint>")
    add("--list-tasks", nargs="?", const="", metavar="PATTERN", help="print the names of tasks and stop")
    add("--json", action="store_true", help="print one JSON document instead of a table")
    add("--dry-run", action="store_true", help="show models, tasks, data sets and requests; load no model")
    parser.set_defaults(run=run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; an expected failure is one line on stderr and its exit code."""
    args = build_parser().parse_args(argv)
    try:
        return args.run(args)
    except ScriptError as error:
        note(f"error: {error}")
        return error.code
    except KeyboardInterrupt:
        note("error: interrupted")
        return 130


if __name__ == "__main__":
    raise SystemExit(main())
