#!/usr/bin/env -S uv run --script
# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "huggingface_hub>=2.2,<3",
#     "markdown-it-py>=4,<5",
#     "matplotlib>=3.10,<4",
#     "python-dotenv>=1.1,<2",
#     "pyyaml>=6,<7",
#     "rich>=14,<16",
# ]
# ///
"""Rank the checkpoints of a training run, choose the best one, fill its model card, push it to the Hub.

Reads a folder of checkpoints (step_100, checkpoint-500, global_step1000, iter_0000500, epoch_3, ckpt-7, ...) and the
evaluation records about them: Every Eval Ever 0.3.0 JSON files below CHECKPOINTS, or in the folders of --results.
Writes a table (or JSON) to stdout; with --report, --figures and --prepare also files; with --push one commit.

  uv run scripts/benchmark_calculator.py examples/tiny_run
  uv run scripts/benchmark_calculator.py ./checkpoints --results results --json
  uv run scripts/benchmark_calculator.py ./checkpoints --benchmarks gsm8k,mmlu --report report.md --figures figures
  uv run scripts/benchmark_calculator.py ./checkpoints --prepare release --card MODEL_CARD.md --assets figures
  uv run scripts/benchmark_calculator.py ./checkpoints --prepare release --card CARD.md --push OWNER/NAME --dry-run
  uv run scripts/benchmark_calculator.py ./checkpoints --scoring step-formula

Scores: a benchmark's score is the record's; its category's is the mean of its benchmarks; eval_accuracy is the mean of
the categories, over what all compared checkpoints share. "step-formula" is a synthetic scoring computed from the step
number alone; it measures nothing, is marked everywhere, and is pushed only when --scoring step-formula is given.

Card: {RESULT} in a table row becomes the score of the benchmark that the row names; {RESULT:gsm8k},
{RESULT:eval_accuracy}, {RESULT:step} and {RESULT:checkpoint} work anywhere. Nothing else in the card changes.

Exit codes: 0 done; 1 the answer is no (a card row cannot be filled, nothing to fill); 2 it could not be done (usage,
input, network, permission; stdout is empty); 3 undecided (a choice is needed; the message names the candidates).
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import hashlib
import json
import math
import mmap
import os
import re
import shutil
import sys
import time
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

# --- Constants -----------------------------------------------------------------------------------------------------

RECORD_SCHEMA = "0.3.0"  # Every Eval Ever
OUTPUT_SCHEMA = "1"
MAPPING_FILE = Path(__file__).resolve().parent.parent / "metric_mapping.json"

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

# JSON files that belong to a checkpoint, not to an evaluation: never opened in the search for records.
MODEL_JSON = re.compile(
    r"(?:.*config|.*\.index|tokenizer.*|special_tokens_map|added_tokens|vocab|trainer_state|all_results|"
    r"(?:train|eval)_results|latest|chat_template|modules)\.json"
)
RECORD_NAME = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}(_failure)?\.json")

# Complete weights, the first that is there: the file, or an index whose shards are all there.
WEIGHT_FILES = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
    "adapter_model.safetensors",
    "adapter_model.bin",
)

PLACEHOLDER = re.compile(r"\{RESULT(?::([^{}\r\n|]{1,80}))?\}")
SECRET_NAME = re.compile(
    r"\.?(?:(?:hf|hub|huggingface)[-_]?)?tokens?(?:\.txt)?|hf[-_]?tokens?(?:[-_.].*)?|stored_tokens|"
    r"\.env(?:[-_.].*|rc)?|\.netrc|\.git-credentials|\.?credentials(?:\.\w+)?|\.?secrets?(?:\.\w+)?|"
    r".*\.(?:pem|key|p12|pfx)|id_(?:rsa|dsa|ecdsa|ed25519)|\.pypirc|\.npmrc|\.ssh|\.aws",
    re.IGNORECASE,
)
# A Hub token: hf_ and 34 letters and digits today; not inside URL-safe base64, which has such words by chance.
HUB_TOKEN = re.compile(rb"(?<![A-Za-z0-9_-]{8})(?:hf|api_org)_[A-Za-z0-9]{30,}")
NEVER_COPIED = {".git", ".cache", "__pycache__", ".ipynb_checkpoints"}
LOG_IN = "run `hf auth login`"
HUB_REASONS = {
    401: f"the token is not valid; {LOG_IN} again",
    403: "the token has no permission for this; it needs write permission for the repo",
    404: "no such repo, or no access to it",
    409: "the Hub refused it as a conflict",
    412: "the repo has moved on meanwhile",
    413: "too large for the Hub",
    429: "too many requests; wait some minutes",
}
NO_CHECKPOINT = "not a checkpoint by its name"
TABLE_ROWS = 40
TABLE_COLUMNS = 6

# --- MetricMapping ----------------------------------------------------------------------------------------------------


class ScriptError(Exception):
    """An expected failure, shown as one line; `code` is the exit code: 1 the answer is no, 2 could not, 3 undecided."""

    def __init__(self, message: str, code: int = 2) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A folder with a model; `step` is None when the name counts epochs only."""

    name: str
    path: Path
    step: int | None
    epoch: int | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something in the folder that takes no part, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Estimate:
    """One number: `value` on the scale of `unit` (percent is turned into a proportion), `n` items."""

    value: float
    standard_error: float | None = None
    n: int | None = None
    unit: str = "proportion"
    lower_is_better: bool = False
    metric: str | None = None
    shots: int | None = None

    @property
    def averages(self) -> bool:
        """Whether it may enter a mean of scores: a proportion of which more is better."""
        return self.unit == "proportion" and not self.lower_is_better


@dataclass(frozen=True, slots=True)
class Result:
    """One metric of one record, with what is needed to pair it with others of the same settings."""

    key: str  # canonical benchmark
    subtask: str  # the part of it that was measured ("anatomy" of mmlu); empty: the whole
    result_id: str
    metric: str
    score: Estimate
    settings: str
    limited: bool
    harness: str
    file: str


@dataclass(frozen=True, slots=True)
class Ranked:
    """A compared checkpoint with its scores by benchmark and by category, and the mean that ranks it."""

    checkpoint: Checkpoint
    eval_accuracy: float
    standard_error: float | None
    scores: Mapping[str, Estimate]
    categories: Mapping[str, Estimate]
    records: tuple[str, ...] = ()
    unranked: Mapping[str, Estimate] = field(default_factory=dict)  # measured, but not for every compared checkpoint

    def score(self, key: str) -> Estimate | None:
        """Its score for a benchmark or a category, ranked or not."""
        return self.scores.get(key) or self.categories.get(key) or self.unranked.get(key)


@dataclass(frozen=True, slots=True)
class Ranking:
    """The outcome: compared checkpoints in step order, over which benchmarks, the best one and its ties."""

    score_source: str
    overall: str
    benchmarks: tuple[str, ...]
    ranked: tuple[Ranked, ...]
    best: Ranked
    tied: tuple[Ranked, ...]
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...] = ()
    failures: tuple[dict[str, Any], ...] = ()
    harnesses: tuple[str, ...] = ()

    @property
    def synthetic(self) -> bool:
        """True when the scores come from the step number and not from an evaluation."""
        return self.score_source == "step-formula"


@dataclass(frozen=True, slots=True)
class MetricMapping:
    """metric_mapping.json: canonical keys, their entries, and every spelling that leads to one."""

    entries: Mapping[str, Mapping[str, Any]]
    names: Mapping[str, str]
    harness_names: Mapping[str, Mapping[str, str]]

    def key(self, name: str) -> str | None:
        """The canonical key of a name as people write it, or None."""
        return self.names.get(normalize_name(name))

    def task_key(self, task: str, library: str) -> tuple[str, str]:
        """(canonical key, subtask) of a harness's task name; an unknown name is its own key.

        The whole name goes before a cut one, the harness's own spelling before the general one, and what is left of a
        cut name is no category: lighteval's "summarization:xsum" -> ("xsum", ""), "mmlu:anatomy" -> ("mmlu", "anatomy")
        """
        own = self.harness_names.get(library_field(library), {})
        name = bare_task(task)
        for end in (len(name), *(m.start() for m in reversed(list(re.finditer("[:,]", name))))):
            for spelling in (name[:end], name[:end].rsplit("/", 1)[-1]):
                folded = normalize_name(spelling)
                key = own.get(folded) or self.names.get(folded)
                if key and (end == len(name) or self.entries[key]["kind"] != "category"):
                    subtask = name[end + 1 :]
                    return key, "" if subtask == "_average" else subtask
        return name, ""

    def category(self, key: str) -> str | None:
        """The category that a benchmark counts for, or None."""
        return self.entries.get(key, {}).get("category")

    def title(self, key: str) -> str:
        """The display name of a key."""
        return self.entries.get(key, {}).get("name") or key


@dataclass(frozen=True, slots=True)
class StepFormula:
    """min(curve(step / 100), cap), rounded to three decimals; `weight` in the reference's alternative mean."""

    curve: Callable[[float], float]
    cap: float
    weight: float


# The reference scoring: synthetic, from the step number alone.
STEP_FORMULAS: dict[str, StepFormula] = {
    "math_reasoning": StepFormula(lambda x: 0.3 + 0.5 * (1 - 1 / (1 + 0.1 * x)), 0.95, 1.2),
    "logical_reasoning": StepFormula(lambda x: 0.2 + 0.65 / (1 + math.exp(-0.5 * (x - 4))), 0.93, 1.2),
    "common_sense": StepFormula(lambda x: 0.45 + 0.4 * x / (x + 4), 0.87, 1.0),
    "reading_comprehension": StepFormula(lambda x: 0.4 + 0.45 * (1 - 1 / (1 + 0.2 * x)), 0.86, 1.0),
    "question_answering": StepFormula(lambda x: 0.35 + 0.5 * math.sqrt(x) / (math.sqrt(x) + 3), 0.91, 1.1),
    "text_classification": StepFormula(lambda x: 0.4 + 0.45 * (1 - math.exp(-0.3 * x)), 0.88, 0.9),
    "sentiment_analysis": StepFormula(lambda x: 0.5 + 0.35 * x / (x + 2), 0.89, 0.9),
    "code_generation": StepFormula(lambda x: 0.25 + 0.6 * x / (x + 5), 0.92, 1.1),
    "creative_writing": StepFormula(lambda x: 0.25 + 0.6 * (1 - 1 / (1 + 0.15 * x)), 0.91, 0.9),
    "dialogue_generation": StepFormula(lambda x: 0.3 + 0.55 * x**0.7 / (x**0.7 + 3), 0.90, 1.0),
    "summarization": StepFormula(lambda x: 0.35 + 0.5 * (1 - 2 / (x + 2)), 0.89, 1.0),
    "translation": StepFormula(lambda x: 0.5 + 0.35 * x / (x + 1.5), 0.88, 1.0),
    "knowledge_retrieval": StepFormula(lambda x: 0.4 + 0.45 * x**0.6 / (x**0.6 + 2.5), 0.87, 1.0),
    "instruction_following": StepFormula(lambda x: 0.45 + 0.4 * x / (x + 3), 0.88, 1.1),
    "safety_evaluation": StepFormula(lambda x: 0.6 + 0.25 * x / (x + 8), 0.86, 1.1),
}

CATEGORY_ORDER = {key: i for i, key in enumerate(STEP_FORMULAS)}

# --- Pure core: names ----------------------------------------------------------------------------------------------


def normalize_name(text: str) -> str:
    """Fold a benchmark's or column's name to its letters and digits, so that spellings of one name compare equal.

    "MMLU-Pro", "mmlu_pro" -> "mmlupro"; "HumanEval+" -> "humanevalplus"
    """
    text = unicodedata.normalize("NFKC", text).casefold().replace("+", "plus")
    return re.sub(r"[\W_]+", "", text)


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Sort key that reads digits as numbers: step_9 before step_10."""
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", name) if part]


def parse_checkpoint_name(name: str) -> tuple[int | None, int | None] | None:
    """(step, epoch) of a checkpoint folder's name, or None when it is not one.

    "checkpoint-500" -> (500, None); "epoch_3" -> (None, 3); "epoch=3-step=1000" -> (1000, 3); "logs" -> None
    """
    match = CHECKPOINT_NAME.fullmatch(name)
    if not match or (match["step"] is None and match["epoch"] is None):
        return None
    return (int(match["step"]) if match["step"] else None), (int(match["epoch"]) if match["epoch"] else None)


def library_field(library: str) -> str:
    """The field of metric_mapping.json for a harness: "inspect_ai" -> "inspect", "lm-eval" -> "lm_eval"."""
    folded = normalize_name(library)
    return {"inspectai": "inspect", "inspectevals": "inspect", "lmeval": "lm_eval", "crfmhelm": "helm"}.get(
        folded, folded
    )


def bare_task(task: str) -> str:
    """A task's name without suite, shots and model: "leaderboard|mmlu:anatomy|5" -> "mmlu:anatomy"."""
    parts = single_line(task).split("|")
    while len(parts) > 1 and parts[-1].isdecimal():
        parts.pop()
    return re.sub(r"[:,]model(?:_deployment)?=[^,]*", "", parts[-1])


def nearest(name: str, candidates: Iterable[str]) -> str:
    """' (did you mean a, b?)', or nothing."""
    close = difflib.get_close_matches(name, list(candidates), 3, 0.6)
    return f" (did you mean {', '.join(close)}?)" if close else ""


def single_line(text: object) -> str:
    """Foreign text on one line, without the control characters that a terminal would obey."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())


def listing(names: Iterable[str], most: int = 5) -> str:
    """'a, b, c and 4 more'."""
    names = list(map(single_line, names))
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


# --- Pure core: scores ---------------------------------------------------------------------------------------------


def step_formula_scores(step: int) -> dict[str, Estimate]:
    """The reference scoring of a training step: category -> Estimate without standard error or items."""
    x = step / 100
    return {key: Estimate(round(min(rule.curve(x), rule.cap), 3)) for key, rule in STEP_FORMULAS.items()}


def mean_score(scores: Sequence[Estimate], weights: Sequence[float] | None = None) -> Estimate:
    """The (weighted) mean of scores, with its standard error when every part has one (parts taken as independent).

    What all parts have in common stays: unit, metric, shots.
    """
    if len(scores) == 1:
        return scores[0]
    weights = weights or [1.0] * len(scores)
    total = math.fsum(weights)
    value = math.fsum(w * s.value for w, s in zip(weights, scores, strict=True)) / total
    errors = [s.standard_error for s in scores]
    error = None
    if None not in errors:
        error = math.sqrt(math.fsum((w * e) ** 2 for w, e in zip(weights, errors, strict=True))) / total
    counts = [s.n for s in scores]
    units, metrics, shots = ({getattr(s, name) for s in scores} for name in ("unit", "metric", "shots"))
    return Estimate(
        value,
        error,
        None if None in counts else sum(counts),
        units.pop() if len(units) == 1 else "mixed",
        any(s.lower_is_better for s in scores),
        metrics.pop() if len(metrics) == 1 else None,
        shots.pop() if len(shots) == 1 else None,
    )


def category_scores(scores: Mapping[str, Estimate], vocabulary: MetricMapping) -> dict[str, Estimate]:
    """Category -> mean of its benchmarks that may be averaged; a score for the category itself is the category's.

    Benchmarks without a category count only where none has one: then each stands for itself.
    """
    whole = {key: score for key, score in scores.items() if score.averages}
    members: dict[str, list[Estimate]] = defaultdict(list)
    for key, score in whole.items():
        category = vocabulary.category(key)
        if category and (category == key or category not in whole):
            members[category].append(score)
    members = members or {key: [score] for key, score in whole.items()}
    return {key: mean_score(members[key]) for key in sorted(members, key=category_order)}


def uncounted(
    scores: Mapping[str, Estimate], categories: Mapping[str, Estimate], vocabulary: MetricMapping
) -> list[str]:
    """What does not enter eval_accuracy, and why: "blimp (no category)"."""
    lines = []
    for key, score in scores.items():
        category = vocabulary.category(key)
        if not score.averages:
            lines.append(f"{key} (no proportion of which more is better)")
        elif key not in categories and (category is None or category in scores):
            lines.append(f"{key} (its category was measured itself)" if category else f"{key} (no category)")
    return sorted(lines)


def category_order(key: str) -> tuple[int, str]:
    """Sort key: the fifteen categories in the reference's order, then everything else by name."""
    return CATEGORY_ORDER.get(key, len(CATEGORY_ORDER)), key


def overall_score(
    categories: Mapping[str, Estimate], weights: Mapping[str, float] | None, digits: int | None
) -> Estimate:
    """eval_accuracy: the plain or weighted mean of the categories."""
    keys = list(categories)
    if weights is None:
        return mean_score([categories[key] for key in keys])
    missing = [key for key in keys if key not in weights]
    if missing:
        raise ScriptError(f"--weights has no weight for {listing(missing)}; add them, or choose others by --benchmarks")
    if not any(weights[key] for key in keys):
        raise ScriptError(f"--weights gives 0 to all of {listing(keys)}; give one of them a positive weight")
    score = mean_score([categories[key] for key in keys], [weights[key] for key in keys])
    return score if digits is None else replace(score, value=round(score.value, digits))


def choose_results(results: Sequence[Result], where: str, metric: str | None, wanted: set[str]) -> list[Result]:
    """From all results of one benchmark for one checkpoint: the one that ranks, or one for each of its subtasks.

    Several metrics: the one that metric_mapping.json (or --result-id) names. The whole goes before its subtasks.
    """
    by_subtask: dict[str, list[Result]] = defaultdict(list)
    for result in [r for r in results if r.result_id in wanted] or results:
        by_subtask[result.subtask].append(result)
    chosen = []
    for subtask in [""] if "" in by_subtask else sorted(by_subtask):
        rows = by_subtask[subtask]
        if len({r.metric for r in rows}) > 1:
            named = [r for r in rows if metric and normalize_name(r.metric) == normalize_name(metric)]
            if not named:
                ids = sorted({r.result_id for r in rows})
                raise ScriptError(f"{where}: several metrics; choose one with --result-id: {listing(ids, 20)}", code=3)
            rows = named
        chosen.append(choose_run(rows, where))
    return chosen


def choose_run(rows: Sequence[Result], where: str) -> Result:
    """One of several runs of the same task and metric: a full one before a limited one, else the one with most items.

    Runs with equal scores count once; different scores for the same settings are an error, for others a choice.
    """
    ids = sorted({r.result_id for r in rows})
    if len(ids) > 1:
        raise ScriptError(f"{where}: measured in several ways; choose one with --result-id: {listing(ids, 20)}", code=3)
    full = [r for r in rows if not r.limited]
    if not full:
        most = max(r.score.n or 0 for r in rows)
        full = [r for r in rows if (r.score.n or 0) == most]
    first = min(full, key=lambda r: (r.settings, r.file))
    for other in full:
        if other.score.value == first.score.value:
            continue
        if other.settings != first.settings:
            raise ScriptError(
                f"{where}: runs with different settings: {first.file} and {other.file}; give the folder of one run "
                "with --results",
                code=3,
            )
        raise ScriptError(
            f"{where}: two scores for the same settings, {first.score.value} in {first.file} and "
            f"{other.score.value} in {other.file}; remove the wrong record"
        )
    return first


def benchmark_scores(
    results: Sequence[Result], where: str, vocabulary: MetricMapping, wanted: set[str]
) -> tuple[dict[str, Estimate], dict[str, frozenset[str]], list[str]]:
    """Scores by benchmark of one checkpoint, the subtasks behind each, and the files used."""
    by_key: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        by_key[result.key].append(result)
    scores, tasks, files = {}, {}, []
    for key, rows in by_key.items():
        chosen = choose_results(rows, f"{where}, {key}", vocabulary.entries.get(key, {}).get("metric"), wanted)
        scores[key] = mean_score([r.score for r in chosen])
        tasks[key] = frozenset(r.subtask for r in chosen)
        files += [r.file for r in chosen]
    return scores, tasks, sorted(set(files))


# --- Pure core: the ranking ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Options:
    """How scores become one number."""

    benchmarks: tuple[str, ...] | None = None
    weights: Mapping[str, float] | None = None
    weight_digits: int | None = None
    score_function: Callable[[dict[str, float]], float] | None = None
    result_ids: frozenset[str] = frozenset()
    overall: str = "mean of the categories"


def union_of_subtasks(tasks: Mapping[Checkpoint, Mapping[str, frozenset[str]]]) -> dict[str, frozenset[str]]:
    """Benchmark -> all of its subtasks that were measured for any checkpoint."""
    union: dict[str, frozenset[str]] = defaultdict(frozenset)
    for of_checkpoint in tasks.values():
        for key, names in of_checkpoint.items():
            union[key] |= names
    return union


def shared_benchmarks(
    scores: Mapping[Checkpoint, Mapping[str, Estimate]], tasks: Mapping[Checkpoint, Mapping[str, frozenset[str]]]
) -> tuple[set[str], list[str]]:
    """The benchmarks that every compared checkpoint has, whole; and a line for each that is left out."""
    union = union_of_subtasks(tasks)
    shared, lines = set(), []
    for key in sorted(union):
        holes = [c.name for c in scores if tasks[c].get(key) != union[key]]
        if holes:
            lines.append(f"{key} is left out of the ranking: not (fully) measured for {listing(holes)}")
        else:
            shared.add(key)
    return shared, lines


def rank_one(
    checkpoint: Checkpoint,
    scores: Mapping[str, Estimate],
    vocabulary: MetricMapping,
    options: Options,
    records: Sequence[str] = (),
) -> Ranked:
    """A checkpoint with its categories and its overall score."""
    categories = category_scores(scores, vocabulary)
    if options.score_function is not None:
        value = options.score_function({key: score.value for key, score in {**categories, **scores}.items()})
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ScriptError(f"--score-function returned {value!r} for {checkpoint.name}, not a finite number")
        return Ranked(checkpoint, float(value), None, scores, categories, tuple(records))
    if not categories:
        raise ScriptError(
            f"nothing can be averaged for {checkpoint.name}: {listing(scores)} are no proportions of which more is "
            "better; say how to rank with --score-function FILE.py",
            code=3,
        )
    overall = overall_score(categories, options.weights, options.weight_digits)
    return Ranked(checkpoint, overall.value, overall.standard_error, scores, categories, tuple(records))


def choose_best(ranked: Sequence[Ranked]) -> tuple[Ranked, tuple[Ranked, ...]]:
    """The highest overall score; among equal ones the earliest, and the others as ties."""
    top = max(r.eval_accuracy for r in ranked)
    equal = [r for r in ranked if math.isclose(r.eval_accuracy, top, rel_tol=1e-12, abs_tol=1e-12)]
    return equal[0], tuple(equal[1:])


def rank_by_formula(
    checkpoints: Sequence[Checkpoint], skipped: Sequence[Skipped], vocabulary: MetricMapping, options: Options
) -> Ranking:
    """Rank by the reference scoring; only checkpoints with a positive step have one."""
    keys = options.benchmarks or tuple(STEP_FORMULAS)
    unknown = [key for key in keys if key not in STEP_FORMULAS]
    if unknown:
        raise ScriptError(f"the step formulas have no {listing(unknown)}; they score: {', '.join(STEP_FORMULAS)}")
    without = [
        Skipped(c.name, "no positive step in its name: no step formula for it") for c in checkpoints if not c.step
    ]
    ranked = []
    for checkpoint in checkpoints:
        if checkpoint.step:
            scores = step_formula_scores(checkpoint.step)
            ranked.append(rank_one(checkpoint, {key: scores[key] for key in keys}, vocabulary, options))
    if not ranked:
        raise ScriptError(
            f"no measured scores, and no checkpoint has a positive step for the step formulas "
            f"({listing(s.name for s in without)}); evaluate them with scripts/lighteval_vllm_uv.py"
        )
    best, tied = choose_best(ranked)
    return Ranking("step-formula", options.overall, tuple(keys), tuple(ranked), best, tied, (*skipped, *without))


def rank_by_records(
    checkpoints: Sequence[Checkpoint],
    skipped: Sequence[Skipped],
    results: Mapping[Checkpoint, Sequence[Result]],
    failures: Sequence[dict[str, Any]],
    vocabulary: MetricMapping,
    options: Options,
) -> Ranking:
    """Rank by measured scores over the benchmarks that all compared checkpoints share (or that --benchmarks names)."""
    scores, tasks, files, notes, left = {}, {}, {}, [], list(skipped)
    wanted = wanted_keys(options.benchmarks, results, vocabulary) if options.benchmarks else None
    check_result_ids(options.result_ids, results)
    failed = Counter(failure["checkpoint"] for failure in failures)
    for checkpoint in checkpoints:
        rows = [r for r in results.get(checkpoint, ()) if wanted is None or r.key in wanted]
        if not rows:
            why = f" ({failed[checkpoint.name]} failed)" if failed[checkpoint.name] else ""
            left.append(Skipped(checkpoint.name, f"no measured score{why}"))
            continue
        found = benchmark_scores(rows, checkpoint.name, vocabulary, set(options.result_ids))
        scores[checkpoint], tasks[checkpoint], files[checkpoint] = found
    if not scores:
        raise ScriptError("the records hold no score for these checkpoints; evaluate them again")
    if options.benchmarks:
        left += drop_incomplete(scores, tasks)
    shared, lines = shared_benchmarks(scores, tasks)
    if not shared:
        keys = sorted({key for of_checkpoint in scores.values() for key in of_checkpoint})
        raise ScriptError(
            f"no benchmark is measured for all {len(scores)} compared checkpoints; choose with --benchmarks from "
            f"{', '.join(keys)} (checkpoints without the chosen ones are then left out)",
            code=3,
        )
    notes += lines
    notes += unlike_items(scores, shared)
    ranked = []
    for checkpoint, own in scores.items():
        common = {key: own[key] for key in sorted(shared)}
        rest = {key: score for key, score in own.items() if key not in shared}
        ranked.append(replace(rank_one(checkpoint, common, vocabulary, options, files[checkpoint]), unranked=rest))
    apart = uncounted(ranked[0].scores, ranked[0].categories, vocabulary)
    if apart and not options.score_function:
        notes.append(f"not in eval_accuracy: {', '.join(apart)}")
    best, tied = choose_best(ranked)
    used = {file for of_checkpoint in files.values() for file in of_checkpoint}
    harnesses = {r.harness for rows in results.values() for r in rows if r.file in used}
    if len(harnesses) > 1:
        notes.append(f"scores of different harnesses or versions are compared: {', '.join(sorted(harnesses))}")
    return Ranking(
        "measured",
        options.overall,
        tuple(sorted(shared)),
        tuple(ranked),
        best,
        tied,
        tuple(left),
        tuple(notes),
        tuple(failures),
        tuple(sorted(harnesses)),
    )


def check_result_ids(wanted: Iterable[str], results: Mapping[Checkpoint, Sequence[Result]]) -> None:
    """ScriptError for a --result-id that no record has."""
    known = sorted({r.result_id for rows in results.values() for r in rows})
    unknown = sorted(set(wanted) - set(known))
    if unknown:
        near = nearest(unknown[0], known) or f"; there are: {listing(known, 20)}"
        raise ScriptError(f"--result-id: no record has {listing(unknown)}{near}")


def wanted_keys(
    benchmarks: Sequence[str], results: Mapping[Checkpoint, Sequence[Result]], vocabulary: MetricMapping
) -> set[str]:
    """The benchmark keys that a choice stands for: a category also means its measured benchmarks."""
    measured = {r.key for rows in results.values() for r in rows}
    wanted = {key for key in measured if key in benchmarks or vocabulary.category(key) in benchmarks}
    empty = [key for key in benchmarks if key not in wanted and key not in map(vocabulary.category, wanted)]
    if empty:
        raise ScriptError(f"no record for {listing(empty)}; measured are {', '.join(sorted(measured))}")
    return wanted


def drop_incomplete(
    scores: dict[Checkpoint, dict[str, Estimate]], tasks: Mapping[Checkpoint, Mapping[str, frozenset[str]]]
) -> list[Skipped]:
    """Take out the checkpoints that lack one of the chosen benchmarks, and say so."""
    union = union_of_subtasks(tasks)
    dropped = []
    for checkpoint in list(scores):
        missing = sorted(key for key, names in union.items() if tasks[checkpoint].get(key) != names)
        if missing:
            dropped.append(Skipped(checkpoint.name, f"not (fully) measured: {', '.join(missing)}"))
            del scores[checkpoint]
    if not scores:
        raise ScriptError("no checkpoint has all of the chosen benchmarks; choose fewer with --benchmarks", code=3)
    return dropped


def unlike_items(scores: Mapping[Checkpoint, Mapping[str, Estimate]], shared: Iterable[str]) -> list[str]:
    """A line for each benchmark that was measured on different numbers of items or in different ways."""
    lines = []
    for key in sorted(shared):
        counts = Counter((s[key].n, s[key].metric, s[key].shots) for s in scores.values())
        if len(counts) > 1:
            shown = listing(
                f"{n} items, {metric}" + ("" if shots is None else f", {shots}-shot") for n, metric, shots in counts
            )
            lines.append(f"{key} was not measured alike for all checkpoints: {shown}")
    return lines


# --- Pure core: output ---------------------------------------------------------------------------------------------


def number(value: float | None, digits: int = 3) -> str:
    """A score for people; an absent one is a dash."""
    return "–" if value is None else f"{value:.{digits}f}"


def with_error(score: Estimate | None) -> str:
    """'0.467 ± 0.050', without the error when there is none."""
    if score is None:
        return "–"
    digits = 3 if score.unit == "proportion" else 2
    return number(score.value, digits) + (
        "" if score.standard_error is None else f" ± {number(score.standard_error, digits)}"
    )


def ranking_json(ranking: Ranking) -> dict[str, Any]:
    """The document of --json; see references/benchmark_calculator.md."""
    return {
        "schema_version": OUTPUT_SCHEMA,
        "score_source": ranking.score_source,
        "eval_accuracy_is": ranking.overall,
        "benchmarks": list(ranking.benchmarks),
        "checkpoints": [
            {
                "name": r.checkpoint.name,
                "step": r.checkpoint.step,
                "epoch": r.checkpoint.epoch,
                "path": r.checkpoint.path.as_posix(),
                "eval_accuracy": r.eval_accuracy,
                "standard_error": r.standard_error,
                "scores": {key: score_json(score) for key, score in r.scores.items()},
                "categories": {key: score_json(score) for key, score in r.categories.items()},
                "not_ranked": {key: score_json(score) for key, score in r.unranked.items()},
                "records": list(r.records),
            }
            for r in ranking.ranked
        ],
        "skipped": [{"name": s.name, "reason": s.reason} for s in ranking.skipped],
        "failures": list(ranking.failures),
        "notes": list(ranking.notes),
        "best": {
            "name": ranking.best.checkpoint.name,
            "step": ranking.best.checkpoint.step,
            "eval_accuracy": ranking.best.eval_accuracy,
        },
        "tied": [r.checkpoint.name for r in ranking.tied],
    }


def score_json(score: Estimate) -> dict[str, Any]:
    """A score as JSON; the metric, shots and unit only where they are known."""
    value = {"score": score.value, "standard_error": score.standard_error, "n": score.n}
    if score.unit != "proportion":
        value["unit"] = score.unit
    return value | {k: v for k in ("metric", "shots") if (v := getattr(score, k)) is not None}


def table_rows(ranking: Ranking, vocabulary: MetricMapping, most: int) -> tuple[list[str], list[list[str]], int]:
    """Header and rows of the ranking, best first at most `most` of them, and how many were left out."""
    keys = list(ranking.best.categories) if len(ranking.best.categories) <= TABLE_COLUMNS else []
    header = ["checkpoint", "step", "eval_accuracy", "std. error", *map(vocabulary.title, keys)]
    ordered = list(ranking.ranked)
    if len(ordered) > most:
        ordered = sorted(ordered, key=lambda r: -r.eval_accuracy)[:most]
    rows = []
    for r in ordered:
        mark = " (best)" if r is ranking.best else " (tied)" if r in ranking.tied else ""
        step = "–" if r.checkpoint.step is None else str(r.checkpoint.step)
        cells = [r.checkpoint.name + mark, step, number(r.eval_accuracy), number(r.standard_error)]
        rows.append(cells + [with_error(r.categories.get(key)) for key in keys])
    return header, rows, len(ranking.ranked) - len(ordered)


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """An aligned pipe table; names become plain text."""
    cells = [[plain(cell) if i == 0 else cell for i, cell in enumerate(row)] for row in rows]
    widths = [max(map(len, column)) for column in zip(header, *cells, strict=True)]
    lines = [[h.ljust(w) for h, w in zip(header, widths, strict=True)], ["-" * w for w in widths]]
    lines += [[c.ljust(w) for c, w in zip(row, widths, strict=True)] for row in cells]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def summary_lines(ranking: Ranking) -> list[str]:
    """The outcome in words: source, best, ties, what takes part."""
    best = ranking.best
    lines = [
        f"score_source: {ranking.score_source}"
        + (" (synthetic, computed from the step number; nothing was measured)" if ranking.synthetic else ""),
        f"best: {best.checkpoint.name}, eval_accuracy {number(best.eval_accuracy)}"
        + ("" if best.standard_error is None else f" ± {number(best.standard_error)} (standard error)")
        + f", the {ranking.overall} ({len(best.categories)})",
        f"ranked over: {', '.join(ranking.benchmarks) if set(ranking.benchmarks) != set(STEP_FORMULAS) else 'all 15'}",
    ]
    if ranking.tied:
        names = listing(r.checkpoint.name for r in ranking.tied)
        lines.append(f"tied with it: {names}; the earliest is named best")
    return lines


def render_report(ranking: Ranking, vocabulary: MetricMapping, figures: Sequence[str]) -> str:
    """The Markdown report: outcome, ranking, scores by benchmark, what was left out."""
    header, rows, _ = table_rows(ranking, vocabulary, len(ranking.ranked))
    parts = [
        "# Checkpoint ranking",
        "\n".join(f"- {line}" for line in summary_lines(ranking)),
        markdown_table(header, rows),
    ]
    parts += [f"![{Path(name).stem.replace('_', ' ')}]({name})" for name in figures if name.endswith(".png")]
    columns = ranking.ranked if len(ranking.ranked) <= 12 else (ranking.best, *ranking.tied)[:12]
    scored = list(dict.fromkeys(key for r in columns for key in (*r.categories, *r.scores)))
    matrix = []
    for key in scored:
        values = [r.score(key) for r in columns]
        matrix.append([vocabulary.title(key), *map(with_error, values)])
    source = " (step-formula: synthetic)" if ranking.synthetic else " (± standard error)"
    parts += [f"## Scores{source}", markdown_table(["benchmark", *(r.checkpoint.name for r in columns)], matrix)]
    if ranking.harnesses:
        parts.append("Measured with " + ", ".join(ranking.harnesses) + ".")
    # Files that are there for other reasons, the report itself among them, are no part of the outcome.
    left = [f"- {plain(s.name)}: {plain(s.reason)}" for s in ranking.skipped if s.reason != NO_CHECKPOINT]
    left += [f"- {plain(n)}" for n in ranking.notes]
    left += [f"- {plain(f['task'])} failed for {plain(f['checkpoint'])}: {plain(f['error'])}" for f in ranking.failures]
    if left:
        parts += ["## Left out, and notes", "\n".join(left)]
    return "\n\n".join(parts) + "\n"


def plain(text: str) -> str:
    """Foreign text as one line of Markdown without markup."""
    return re.sub(r"([\\|<>*`\[\]])", r"\\\1", single_line(text))


# --- Pure core: the card -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CardCell:
    """A table cell with a bare {RESULT}: its line (from 0), its column's header, and the row's other cells as text."""

    line: int
    column: str
    others: tuple[str, ...]


def placeholder_cells(text: str) -> tuple[list[CardCell], set[int]]:
    """The bare placeholders in a card's pipe tables, in order, one CardCell each; and the lines of its code blocks."""
    from markdown_it import MarkdownIt

    inline, references = MarkdownIt("commonmark"), {}
    tokens = MarkdownIt("commonmark").enable("table").disable("inline").parse(text.removeprefix("\ufeff"), references)
    cells: list[CardCell] = []
    code: set[int] = set()
    header: list[str] = []
    row: list[str] = []
    line = 0

    def words(source: str) -> str:
        children = inline.parseInline(source, references)[0].children or []
        return "".join(c.content for c in children if c.type in ("text", "code_inline")).strip()

    for i, token in enumerate(tokens):
        if token.type in ("fence", "code_block") and token.map:
            code.update(range(*token.map))
        elif token.type == "table_open":
            header = []
        elif token.type == "tr_open":
            row, line = [], token.map[0] if token.map else -1
        elif token.type in ("th_open", "td_open"):
            row.append(tokens[i + 1].content)
        elif token.type == "tr_close":
            header = header or column_names([words(source) for source in row])
            for j, source in enumerate(row):
                bare = [m for m in PLACEHOLDER.finditer(source) if m[1] is None]
                if bare:
                    others = tuple(words(other) for k, other in enumerate(row) if k != j)
                    cells += [CardCell(line, header[j], others)] * len(bare)
    return cells, code


def column_names(header: Sequence[str]) -> list[str]:
    """The names of a table's columns; those without a name, or with that of another column, are numbered."""
    count = Counter(header)
    numbered = [f"{name} (column {i})" if name else f"column {i}" for i, name in enumerate(header, start=1)]
    return [name if name and count[name] == 1 else other for name, other in zip(header, numbered, strict=True)]


def choose_columns(cells: Sequence[CardCell], wanted: Sequence[str]) -> set[str]:
    """The headers of the columns to fill; ScriptError(code=3) when there are several and none is named."""
    columns = list(dict.fromkeys(cell.column for cell in cells))
    named = ", ".join(repr(column) for column in columns)
    chosen = set()
    for name in wanted:
        found = [c for c in columns if c == name] or [c for c in columns if normalize_name(c) == normalize_name(name)]
        if len(found) != 1:
            raise ScriptError(f"--card-column {name!r}: the card's columns with {{RESULT}} are {named or 'none'}")
        chosen.add(found[0])
    if len(columns) > 1 and not chosen:
        raise ScriptError(
            f"{{RESULT}} stands in several columns: {named}; choose with --card-column NAME (a table with the "
            "benchmarks as columns takes {RESULT:benchmark})",
            code=3,
        )
    return chosen or set(columns)


# What may follow a benchmark's name in its cell without changing which benchmark it is.
SETTING = re.compile(r"\s*\((?:\d+[- ]?shots?|acc(?:uracy)?|exact match|em|pass@1|%)\)\s*$", re.IGNORECASE)
SHOTS = re.compile(r"\b(\d{1,3})[- ]?shots?\b", re.IGNORECASE)


def row_score(cell: CardCell, best: Ranked, vocabulary: MetricMapping) -> tuple[str, Estimate]:
    """(key, score) of the benchmark that a row names in any of its cells; ScriptError(code=1) saying why not."""
    keys = list(dict.fromkeys(k for t in cell.others if (k := vocabulary.key(t) or vocabulary.key(SETTING.sub("", t)))))
    exact = [key for key in keys if vocabulary.entries[key]["kind"] == "benchmark"] or keys
    shown = " | ".join(text for text in cell.others if text.strip())
    if len(exact) != 1:
        names = f"several benchmarks ({', '.join(exact)})" if exact else "no benchmark that metric_mapping.json knows"
        raise ScriptError(f"the row “{shown}” names {names}", code=1)
    score = best.score(exact[0])
    if score is None:
        raise ScriptError(f"no score for {exact[0]}, which the row “{shown}” asks for", code=1)
    shots = SHOTS.search(shown)
    if shots and score.shots is not None and score.shots != int(shots[1]):
        raise ScriptError(f"the row “{shown}” says {shots[0]}, but it was measured with {score.shots} shots", code=1)
    return exact[0], score


def keyed_value(name: str, best: Ranked, vocabulary: MetricMapping) -> str:
    """The text for {RESULT:name}; ScriptError(code=1) when there is none."""
    special = {"eval_accuracy": number(best.eval_accuracy), "checkpoint": best.checkpoint.name}
    if best.checkpoint.step is not None:
        special["step"] = str(best.checkpoint.step)
    if name.strip() in special:
        return special[name.strip()]
    key = vocabulary.key(name)
    score = best.score(key) if key else None
    if score is None:
        known = [*special, *best.scores, *best.categories]
        raise ScriptError(f"{{RESULT:{name}}} has no value{nearest(name, known)}", code=1)
    return number(score.value)


def fill_card(text: str, best: Ranked, vocabulary: MetricMapping, columns: Sequence[str] = ()) -> tuple[str, list[str]]:
    """The card with its placeholders replaced, and remarks; every other character stays.

    Raises ScriptError: code 1 when a placeholder cannot be filled or there is none, 3 when the column is a choice.
    """
    cells, code = placeholder_cells(text)
    chosen = choose_columns(cells, columns)
    waiting: dict[int, list[CardCell]] = defaultdict(list)
    for cell in reversed(cells):
        waiting[cell.line].append(cell)
    problems: list[str] = []
    remarks: list[str] = []
    filled = 0

    def value(match: re.Match[str], line: int) -> str:
        if match[1] is not None:
            return keyed_value(match[1], best, vocabulary)
        if not waiting[line]:
            if line in code:
                remarks.append(f"line {line + 1}: {{RESULT}} in a code block stays as it is")
                return match[0]
            raise ScriptError("{RESULT} stands outside a pipe table's row; write {RESULT:benchmark} there", code=1)
        cell = waiting[line].pop()
        if cell.column not in chosen:
            remarks.append(f"line {line + 1}: {{RESULT}} in column {cell.column!r} stays as it is")
            return match[0]
        key, score = row_score(cell, best, vocabulary)
        if score.unit == "proportion" and any(looks_like_percent(other) for other in cell.others):
            remarks.append(f"line {line + 1}: {key} is filled as a proportion, but its row holds percentages")
        return number(score.value)

    def replaced(match: re.Match[str], line: int) -> str:
        nonlocal filled
        try:
            new = value(match, line) if len(problems) < 5 else match[0]
        except ScriptError as error:
            problems.append(f"line {line + 1}: {error}")
            return match[0]
        filled += new != match[0]
        return new

    parts = re.split(r"(\r\n|\r|\n)", text)
    for i in range(0, len(parts), 2):
        parts[i] = PLACEHOLDER.sub(lambda match, line=i // 2: replaced(match, line), parts[i])
    if problems:
        raise ScriptError(f"the card was not filled: {'; '.join(problems)}", code=1)
    if not filled:
        raise ScriptError("the card has no {RESULT} placeholder to fill; put {RESULT} into its cells", code=1)
    return "".join(parts), remarks


def looks_like_percent(text: str) -> bool:
    """Whether a cell is a number that no proportion can be: "53.5", "46.7%"."""
    match = re.fullmatch(r"\s*(\d{1,3}(?:\.\d+)?)\s*%?\s*", text)
    return bool(match) and 1.5 < float(match[1]) <= 100


# --- Edges: reading ------------------------------------------------------------------------------------------------


def read_json(path: Path) -> Any:
    """The JSON value in a file; ScriptError when it cannot be read or is not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ScriptError(f"{path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise ScriptError(f"{path}: not valid JSON: {error}") from error


def read_vocabulary() -> MetricMapping:
    """metric_mapping.json, which stands beside the scripts folder."""
    if not MAPPING_FILE.is_file():
        raise ScriptError(
            f"{MAPPING_FILE.name} is missing; it belongs beside the folder scripts/ (clone the whole project)"
        )
    entries = read_json(MAPPING_FILE)
    names = {}
    for key, entry in entries.items():
        names |= {normalize_name(name): key for name in (key, entry["name"], *entry["aliases"])}
    fields = ("lighteval", "inspect", "lm_eval", "helm")
    return MetricMapping(
        entries,
        names,
        {
            f: {normalize_name(e[f].removeprefix("inspect_evals/")): k for k, e in entries.items() if e.get(f)}
            for f in fields
        },
    )


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


def list_folder(folder: Path | str) -> list[os.DirEntry[str]]:
    """What a folder holds, in natural order, without hidden names."""
    try:
        with os.scandir(folder) as entries:
            return sorted((e for e in entries if not e.name.startswith(".")), key=lambda e: natural_key(e.name))
    except OSError as error:
        raise ScriptError(f"{folder}: {error.strerror}; give the folder that holds the checkpoints") from error


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a folder, or a link to one; a broken link, or one to itself, is none."""
    return entry.is_dir(follow_symlinks=False) or (entry.is_symlink() and os.path.isdir(entry.path))


def scan_checkpoints(root: Path, results: Iterable[Path]) -> tuple[list[Checkpoint], list[Skipped], list[str]]:
    """Complete checkpoints in a folder or one level deeper in step order, incomplete ones, and the other names.

    Links out of the folder are not followed; the folders of results are not looked into.
    """
    found, skipped, others = [], [], []
    passed_over = {os.path.realpath(folder) for folder in (root / "results", *results)}
    for entry in list_folder(root):
        if parse_checkpoint_name(entry.name) and is_folder(entry):
            found.append(Path(entry.path))
            continue
        if os.path.realpath(entry.path) in passed_over:
            continue
        inner = []
        if entry.is_dir(follow_symlinks=False):
            with contextlib.suppress(ScriptError):
                inner = list_folder(entry.path)
        named = [Path(e.path) for e in inner if parse_checkpoint_name(e.name) and is_folder(e)]
        found += named
        if named:
            others += [f"{entry.name}/{e.name}" for e in inner if Path(e.path) not in named and e.name != "results"]
        else:
            others.append(entry.name)
    complete = []
    for path in found:
        reason = why_incomplete(path, root)
        if reason:
            skipped.append(Skipped(path.name, reason))
        else:
            step, epoch = parse_checkpoint_name(path.name)
            complete.append(Checkpoint(path.name, path, step, epoch))
    complete.sort(key=lambda c: (c.step is None, c.step or 0, c.epoch or 0, natural_key(c.name)))
    return complete, skipped, others


def why_incomplete(folder: Path, root: Path) -> str | None:
    """What keeps a folder from being a checkpoint, by the names in it; None when it is one."""
    if folder.is_symlink() and not inside(folder, root):
        return "a link out of the folder; it is not followed"
    try:
        weights = weight_files(folder)
    except ScriptError as error:
        return str(error)
    except (OSError, AttributeError, TypeError) as error:  # no permission; an index that is no JSON object
        return f"weights not readable: {error}"
    adapter = weights[0].name.startswith("adapter_model") and not os.path.isfile(f"{folder}/config.json")
    config = folder / ("adapter_config.json" if adapter else "config.json")
    if not os.path.isfile(config):
        return f"no {config.name}"
    links = [path.name for path in (config, *weights) if os.path.islink(path) and not inside(path, root)]
    return f"{links[0]} is a link out of the folder; it is not followed" if links else None


def inside(path: Path, root: Path) -> bool:
    """Whether a path, links resolved, is a folder or lies below it."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))


def check_steps(checkpoints: Sequence[Checkpoint], root: Path) -> None:
    """ScriptError when two checkpoints claim the same step (or the same epoch), or when there is none."""
    if not checkpoints:
        hint = "folders named like step_100 or checkpoint-500 are read"
        if (root / "config.json").is_file() or parse_checkpoint_name(root.resolve().name):
            hint = f"it is a checkpoint itself: give its parent, {root.resolve().parent}"
        raise ScriptError(f"{root}: no complete checkpoint in it; {hint}")
    seen: dict[Any, Checkpoint] = {}
    for checkpoint in checkpoints:
        other = seen.setdefault((checkpoint.step, checkpoint.epoch if checkpoint.step is None else None), checkpoint)
        if other is not checkpoint:
            what = f"step {checkpoint.step}" if checkpoint.step is not None else f"epoch {checkpoint.epoch}"
            raise ScriptError(f"{what} occurs twice: {other.path} and {checkpoint.path}; give the folder of one run")


def record_files(folders: Iterable[Path]) -> list[Path]:
    """The JSON files below some folders that may be records, each once."""
    found: dict[str, Path] = {}
    for folder in folders:
        if not folder.is_dir():
            raise ScriptError(f"{folder}: no such folder of results")
        for base, directories, names in os.walk(folder):
            directories[:] = sorted(d for d in directories if not d.startswith("."))
            for name in sorted(names):
                if name.endswith(".json") and not name.startswith(".") and not MODEL_JSON.fullmatch(name):
                    path = os.path.join(base, name)
                    found.setdefault(os.path.realpath(path), Path(path))
    return list(found.values())


def read_record(path: Path) -> dict[str, Any] | None:
    """The record (or failure entry) in a file; None when it is some other JSON."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise ScriptError(f"{path}: {error.strerror}") from error
    ours = bool(RECORD_NAME.fullmatch(path.name))
    if not ours and b'"evaluation_results"' not in text:
        return None
    try:
        record = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ScriptError(f"{path}: unreadable record: {error}; remove it, or evaluate again") from error
    if path.name.endswith("_failure.json"):
        return record | {"failure": True} if isinstance(record, dict) else None
    if not isinstance(record, dict) or not isinstance(record.get("evaluation_results"), list):
        if ours:
            raise ScriptError(f"{path}: unreadable record: no evaluation_results; remove it, or evaluate again")
        return None
    if record.get("schema_version") != RECORD_SCHEMA:
        version = record.get("schema_version")
        raise ScriptError(f"{path}: schema_version is {version!r}; this reads Every Eval Ever {RECORD_SCHEMA}")
    return record


def record_results(path: Path, record: Mapping[str, Any], vocabulary: MetricMapping) -> list[Result]:
    """A record's numbers, checked; ScriptError naming file and field when one is no finite score in its range."""
    found = []
    for row in record["evaluation_results"]:
        try:
            found.append(read_result(path, row, record.get("eval_library") or {}, vocabulary))
        except KeyError as error:
            raise ScriptError(f"{path}: unreadable record: no {error} in evaluation_results; evaluate again") from error
        except (AttributeError, TypeError, ValueError) as error:
            raise ScriptError(
                f"{path}: unreadable record: {single_line(error)}; evaluate again, or remove it"
            ) from error
    return found


def read_result(path: Path, row: Mapping[str, Any], library: Mapping[str, Any], vocabulary: MetricMapping) -> Result:
    """One of a record's results; any error of looking things up means that it is damaged."""
    metric, details, task = row["metric_config"], row["score_details"], str(row["evaluation_name"])
    result_id = single_line(row.get("evaluation_result_id") or f"{task}/{metric.get('metric_id')}")
    key, subtask = vocabulary.task_key(task, str(library.get("name", "")))
    generation = row.get("generation_config") or {}
    extra = generation.get("additional_details") or {}
    score = read_score(metric, details, extra, result_id, vocabulary.entries.get(key, {}))
    shaping = {name: value for name, value in extra.items() if name not in ("batch_size", "device")}  # decide no score
    generation = {**generation, "additional_details": shaping}
    settings = {"generation": generation, "source": row.get("source_data"), "library": library.get("version")}
    return Result(
        key,
        subtask,
        result_id,
        score.metric or "score",
        score,
        settings=json.dumps(settings, sort_keys=True),
        limited=str(extra.get("limit", "None")) not in ("None", "null", ""),
        harness=single_line(f"{library.get('name')} {library.get('version')}"),
        file=path.as_posix(),
    )


def read_score(
    metric: Mapping[str, Any],
    details: Mapping[str, Any],
    settings: Mapping[str, Any],
    result_id: str,
    entry: Mapping[str, Any],
) -> Estimate:
    """The Estimate in a record's result; a percentage becomes a proportion. ValueError when it is out of range."""
    value = details["score"]
    if not is_number(value):
        raise ValueError(f"the score of {result_id} is {value!r}, not a finite number")
    unit, low, high = unit_and_range(metric, entry)
    if not low <= value <= high:
        raise ValueError(f"the score {value} of {result_id} is outside its range, {low:g} to {high:g}")
    uncertainty = details.get("uncertainty") or {}
    error = (uncertainty.get("standard_error") or {}).get("value")
    if error is not None and not (is_number(error) and error >= 0):
        raise ValueError(f"the standard error of {result_id} is {error!r}, not a positive number")
    count = uncertainty.get("num_samples")
    if count is not None and not (is_number(count) and count == int(count) >= 0):
        raise ValueError(f"num_samples of {result_id} is {count!r}, not a number of items")
    name = metric.get("metric_id") or metric.get("metric_name")
    scale = 0.01 if unit == "percent" else 1
    shots = re.search(r"\|(\d{1,4})/", result_id) or re.fullmatch(r"(\d{1,4})", str(settings.get("few_shot", "")))
    return Estimate(
        value * scale,
        None if error is None else error * scale,
        None if count is None else int(count),
        "proportion" if unit == "percent" else unit,
        bool(metric.get("lower_is_better")),
        name and single_line(name),
        int(shots[1]) if shots else None,
    )


def is_number(value: Any) -> bool:
    """Whether a JSON value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and -1e300 < value < 1e300


def unit_and_range(metric: Mapping[str, Any], entry: Mapping[str, Any]) -> tuple[str, float, float]:
    """Unit, lowest and highest score of a metric: as the record says, else as metric_mapping.json does.

    A record without a unit has that of its benchmark, when it is about the benchmark's main metric.
    """
    name = metric.get("metric_id") or metric.get("metric_name")
    main = not name or normalize_name(str(name)) == normalize_name(str(entry.get("metric")))
    low, high = (limit if is_number(limit := metric.get(name)) else None for name in ("min_score", "max_score"))
    unit = metric.get("metric_unit")
    if not unit:
        unit = "proportion" if (low, high) == (0, 1) else entry["unit"] if entry and main else "unknown"
    if main and entry and entry["unit"] == unit:
        default = entry["range"]
    else:
        default = {"proportion": (0, None if metric.get("lower_is_better") else 1), "percent": (0, 100)}.get(unit)
    default = default or (None, None)
    low = default[0] if low is None else low
    high = default[1] if high is None else high
    return str(unit), -math.inf if low is None else low, math.inf if high is None else high


class Owners:
    """Finds the checkpoint that a record is about: by the hash of its weights, else by path and folder name."""

    def __init__(self, checkpoints: Sequence[Checkpoint]) -> None:
        self.checkpoints = checkpoints
        self.hashes: dict[Checkpoint, str] = {}
        self.by_hash: dict[str, Checkpoint] = {}
        self.by_name: dict[str, list[Checkpoint]] = defaultdict(list)
        for checkpoint in checkpoints:
            self.by_name[checkpoint.name].append(checkpoint)

    def weights(self, checkpoint: Checkpoint) -> str:
        """The hash of a checkpoint's weights."""
        if checkpoint not in self.hashes:
            try:
                self.hashes[checkpoint] = weights_sha256(checkpoint.path)
            except OSError as error:
                raise ScriptError(f"{checkpoint.path}: weights not readable: {error.strerror or error}") from error
        return self.hashes[checkpoint]

    def with_weights(self, digest: str) -> Checkpoint | None:
        """The checkpoint whose weights have this hash."""
        if len(self.by_hash) < len(self.checkpoints):
            self.by_hash = {self.weights(c): c for c in reversed(self.checkpoints)}
        return self.by_hash.get(digest)

    def named(self, path: str) -> Checkpoint | None:
        """The checkpoint with this folder name whose path has the other folders of `path`, in order."""
        parts = [part for part in PurePosixPath(path).parts if part not in ("..", ".", "/")]
        for checkpoint in self.by_name.get(parts[-1], ()) if parts else ():
            rest = iter(checkpoint.path.resolve().parts)
            if all(part in rest for part in parts):
                return checkpoint
        return None

    def of(self, record: Mapping[str, Any], file: Path) -> Checkpoint | None:
        """The record's checkpoint, or None when it is about another model; ScriptError for results of other weights."""
        info = record.get("model_info") if isinstance(record.get("model_info"), dict) else {}
        details = info.get("additional_details") or record
        if not isinstance(details, dict):
            return None
        digest, named = str(details.get("weights_sha256") or ""), self.named(str(details.get("path") or ""))
        if not digest or (named and self.weights(named) == digest):
            return named
        owner = self.with_weights(digest)
        if named and not owner and not record.get("failure"):
            raise ScriptError(
                f"{file}: results of other weights: {named.path} has changed since; evaluate it again, or remove the "
                "record"
            )
        return owner


def read_measured(
    folders: Sequence[Path], checkpoints: Sequence[Checkpoint], vocabulary: MetricMapping
) -> tuple[dict[Checkpoint, list[Result]], list[dict[str, Any]], int]:
    """Results by checkpoint, tasks that failed and were not measured since, and how many records are about others."""
    owners = Owners(checkpoints)
    results: dict[Checkpoint, list[Result]] = defaultdict(list)
    failed, strangers = [], 0
    for path in progress(record_files(folders), "reading records"):
        record = read_record(path)
        if record is None:
            continue
        owner = owners.of(record, path)
        if record.get("failure"):
            failed += [(owner, path, record)] if owner else []
        elif owner:
            results[owner] += record_results(path, record, vocabulary)
        else:
            strangers += 1
    failures = []
    for owner, path, record in failed:
        task, error = single_line(record.get("task")), single_line(record.get("error"))[:200]
        library = record.get("eval_library")
        library = str(library.get("name", "")) if isinstance(library, dict) else "lighteval"
        measured = {(r.key, r.subtask) for r in results.get(owner, ())}
        if vocabulary.task_key(task, library) not in measured:
            failures.append({"checkpoint": owner.name, "task": task, "error": error, "file": path.as_posix()})
    return results, failures, strangers


def read_weights(source: str | None, vocabulary: MetricMapping) -> Mapping[str, float] | None:
    """Category -> weight, from a JSON or YAML file or the reference's own."""
    if source is None:
        return None
    if source == "reference":
        return {key: rule.weight for key, rule in STEP_FORMULAS.items()}
    import yaml

    try:
        value = yaml.safe_load(Path(source).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise ScriptError(f"--weights {source}: {single_line(error)}") from error
    if not isinstance(value, dict) or not value:
        raise ScriptError(f"--weights {source}: a mapping of category to weight is expected")
    weights = {}
    for name, weight in value.items():
        key = vocabulary.key(str(name))
        if key is None:
            raise ScriptError(f"--weights {source}: unknown name {name!r}{nearest(str(name), vocabulary.entries)}")
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight < math.inf:
            raise ScriptError(f"--weights {source}: the weight of {name} is {weight!r}, not a number of at least 0")
        weights[key] = float(weight)
    return weights


def read_score_function(path: str) -> Callable[[dict[str, float]], float]:
    """The one public function of a Python file: from {benchmark or category: score} to the overall score."""
    namespace: dict[str, Any] = {"__name__": "score_function", "__file__": path}

    def guarded(call: Callable[[], Any]) -> Any:
        try:
            with contextlib.redirect_stdout(sys.stderr):
                return call()
        except (Exception, SystemExit) as error:
            raise ScriptError(f"--score-function {path}: {type(error).__name__}: {single_line(error)}") from error

    # The user's own file, named on the command line.
    guarded(lambda: exec(compile(Path(path).read_text(encoding="utf-8"), path, "exec"), namespace))
    functions = [
        value
        for name, value in namespace.items()
        if not name.startswith("_") and callable(value) and getattr(value, "__module__", None) == "score_function"
    ]
    if len(functions) != 1:
        raise ScriptError(f"--score-function {path}: one public function is expected, there are {len(functions)}")
    return lambda scores: guarded(lambda: functions[0](scores))


def read_card(path: Path) -> str:
    """A card's text with its line ends as they are."""
    try:
        return path.read_bytes().decode("utf-8")
    except OSError as error:
        raise ScriptError(f"--card {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ScriptError(f"--card {path}: not UTF-8 (byte {error.start}); save it as UTF-8") from error


# --- Edges: writing ------------------------------------------------------------------------------------------------


def note(message: str) -> None:
    """Print a line for people to stderr; stdout carries data only."""
    print(message, file=sys.stderr)


def progress(items: Sequence[Any], what: str) -> Iterator[Any]:
    """The items; on a terminal with a bar, a rate and the time left, once they take longer than two seconds."""
    begun, bar = time.monotonic(), None
    try:
        for done, item in enumerate(items):
            seconds = time.monotonic() - begun
            if bar is None and seconds > 2 and sys.stderr.isatty():
                bar = progress_bar()
                task = bar.add_task(what, total=len(items), rate="")
                bar.start()
            if bar is not None:
                bar.update(task, completed=done, rate=f"{done / seconds:.1f}/s")
            yield item
    finally:
        if bar is not None:
            bar.stop()


def progress_bar() -> Any:
    """A bar on stderr that leaves nothing behind."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"))
    return Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True)


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


def print_data(text: str) -> None:
    """Print to stdout; a reader that has gone away (`| head`) is no error, a full disk is one."""
    encoding = sys.stdout.encoding or "utf-8"
    try:
        print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else the interpreter fails at its last flush
        if not isinstance(error, BrokenPipeError):
            raise ScriptError(f"stdout: could not be written: {error.strerror}") from error


def table_text(ranking: Ranking, vocabulary: MetricMapping) -> str:
    """The ranking for stdout: a rich table on a terminal, a Markdown one in a pipe."""
    header, rows, hidden = table_rows(ranking, vocabulary, TABLE_ROWS)
    lines = [rich_table(header, rows, ranking.score_source) if sys.stdout.isatty() else markdown_table(header, rows)]
    lines += ["", *summary_lines(ranking)]
    if hidden:
        lines.append(f"the best {len(rows)} of {len(ranking.ranked)} are shown; --json and --report have all")
    if len(ranking.best.categories) > TABLE_COLUMNS:
        lines.append("scores by benchmark: --report FILE.md, --figures DIR or --json")
    return "\n".join(lines)


def rich_table(header: Sequence[str], rows: Sequence[Sequence[str]], title: str) -> str:
    """The table for a terminal, with its colors."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*header, title=title)
    for row in rows:
        table.add_row(*map(Text, row), style="bold green" if row[0].endswith(" (best)") else None)
    console = Console()
    with console.capture() as capture:
        console.print(table)
    return capture.get().rstrip("\n")


def write_figures(ranking: Ranking, vocabulary: MetricMapping, folder: Path) -> list[str]:
    """score_by_step and benchmarks_by_step as PNG and SVG, all or none; the names written."""
    import matplotlib

    shown = [r for r in ranking.ranked if r.checkpoint.step is not None] or list(ranking.ranked)
    by_step = shown[0].checkpoint.step is not None
    x = [r.checkpoint.step if by_step else r.checkpoint.epoch for r in shown]
    label = "training step" if by_step else "epoch"
    title = "step-formula: synthetic, nothing was measured" if ranking.synthetic else "measured"
    drawn = {
        "score_by_step": draw_scores(ranking, shown, x, label, title),
        "benchmarks_by_step": draw_heat_map(shown, x, label, title, vocabulary),
    }
    temporary: dict[Path, Path] = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, figure in drawn.items():
            for suffix, metadata in ((".png", {"Software": None}), (".svg", {"Date": None})):
                target = folder / f"{name}{suffix}"
                temporary[target] = folder / f".{target.name}.{os.getpid()}.tmp"
                with matplotlib.rc_context({"svg.hashsalt": "hub-evals"}):
                    figure.savefig(
                        temporary[target], format=suffix[1:], dpi=150, metadata=metadata, bbox_inches="tight"
                    )
        for target, path in temporary.items():
            path.replace(target)
    except OSError as error:
        raise ScriptError(f"--figures {folder}: {error.strerror or error}") from error
    finally:
        for path in temporary.values():
            path.unlink(missing_ok=True)
    return [path.name for path in temporary]


def draw_scores(ranking: Ranking, shown: Sequence[Ranked], x: Sequence[int], label: str, title: str) -> Any:
    """eval_accuracy against step with error bars (±1.96 standard errors), the best one marked."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5))
    axes = figure.subplots()
    y = [r.eval_accuracy for r in shown]
    errors = [1.96 * (r.standard_error or 0) for r in shown]
    axes.errorbar(x, y, yerr=errors if any(errors) else None, marker="o", capsize=3, color="#3b6ea8")
    if ranking.best in shown:
        at, name = shown.index(ranking.best), ranking.best.checkpoint.name
        axes.plot(x[at], y[at], "*", zorder=3, markersize=16, color="#d1495b", label=f"best: {name}")
        axes.legend()
    bars = ", bars ±1.96 standard errors" if any(errors) else ""
    axes.set(xlabel=label, ylabel=f"eval_accuracy ({ranking.overall})", title=f"Score by {label} ({title}{bars})")
    axes.grid(alpha=0.3)
    return figure


def draw_heat_map(shown: Sequence[Ranked], x: Sequence[int], label: str, title: str, vocabulary: MetricMapping) -> Any:
    """Benchmark × step, for all that are proportions (or, without any, for all); a missing score stays white."""
    from matplotlib.figure import Figure

    scores = {key: score for r in shown for key, score in r.scores.items()}
    keys = [key for key, score in scores.items() if score.unit == "proportion"] or list(scores)
    keys.sort(key=lambda key: (category_order(vocabulary.category(key) or key), vocabulary.category(key) != key, key))
    top = 1 if scores[keys[0]].unit == "proportion" else None
    figure = Figure(figsize=(min(24, max(6, 0.62 * len(x) + 3)), min(40, max(2.5, 0.4 * len(keys) + 1.2))))
    axes = figure.subplots()
    values = [[score.value if (score := r.score(key)) else math.nan for r in shown] for key in keys]
    image = axes.imshow(values, aspect="auto", cmap="viridis", vmin=0 if top else None, vmax=top)
    names = [vocabulary.title(k) + (" (lower is better)" if scores[k].lower_is_better else "") for k in keys]
    axes.set_yticks(range(len(keys)), names)
    every = max(1, len(x) // 25)
    axes.set_xticks(range(0, len(x), every), [str(step) for step in x[::every]], rotation=45)
    if len(x) <= 15:
        for i, row in enumerate(values):
            for j, value in enumerate(row):
                if not math.isnan(value):
                    shade = "black" if value > (0.6 if top else image.norm.vmax / 2) else "white"
                    axes.text(j, i, f"{value:.2f}", ha="center", va="center", fontsize=7, color=shade)
    axes.set(xlabel=label, title=f"Score by benchmark ({title})")
    figure.colorbar(image, ax=axes)
    return figure


# --- Edges: prepare ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RepoFile:
    """A file of the repo to be: its name there, and where its bytes come from (a file, or text)."""

    target: str
    source: Path | None = None
    text: str | None = None

    def read(self) -> bytes:
        """The bytes."""
        return self.text.encode() if self.source is None else self.source.read_bytes()

    @property
    def size(self) -> int:
        """How many bytes."""
        return len(self.read()) if self.source is None else self.source.stat().st_size

    @property
    def sha256(self) -> str:
        """Hash of the bytes."""
        return hashlib.sha256(self.read()).hexdigest() if self.source is None else file_sha256(self.source)


def plan_files(
    checkpoint: Checkpoint, card: str, assets: Sequence[Path], root: Path, token_file: Path | None, token: str | None
) -> tuple[list[RepoFile], list[str]]:
    """The files of the repo to be, and the names left out because they may hold secrets.

    Raises ScriptError for names that collide, links that lead elsewhere, and anything that looks like a Hub token.
    """
    found = [RepoFile(name, path) for name, path in walk(checkpoint.path, root) if name != "README.md"]
    for asset in assets:
        name = Path(os.path.abspath(asset)).name
        if asset.is_file():
            found.append(RepoFile(name, asset))
        elif asset.is_dir():
            found += [RepoFile(f"{name}/{inner}", path) for inner, path in walk(asset, asset)]
        else:
            raise ScriptError(f"--assets {asset}: no such file or folder")
    secrets = {
        f.target
        for f in found
        if any(map(SECRET_NAME.fullmatch, PurePosixPath(f.target).parts))
        or (token_file and os.path.realpath(f.source) == os.path.realpath(token_file))
    }
    files = [RepoFile("README.md", text=card), *(f for f in found if f.target not in secrets)]
    twice = [name for name, count in Counter(f.target for f in files).items() if count > 1]
    if twice:
        raise ScriptError(f"several files would become {listing(twice)}; rename the asset")
    for file in progress(files, "looking for tokens"):
        if holds_token(file, token):
            raise ScriptError(
                f"{file.source or file.target}: holds something like a Hub token; take it out. Nothing was sent"
            )
    return sorted(files, key=lambda f: f.target), sorted(secrets)


def walk(folder: Path, root: Path) -> Iterator[tuple[str, Path]]:
    """(name with /, path) of all files below a folder; ScriptError for a link out of `root` and for what is no file."""

    def stop(error: OSError) -> None:
        raise error

    for base, directories, names in os.walk(folder, onerror=stop):
        directories[:] = sorted(d for d in directories if d not in NEVER_COPIED)
        for name in (*sorted(names), *(d for d in directories if os.path.islink(os.path.join(base, d)))):
            path = Path(base, name)
            if path.is_symlink() and not (inside(path, root) and path.is_file()):
                raise ScriptError(f"{path}: a link that leads elsewhere is not copied; replace it by the file")
            if not path.is_file():
                raise ScriptError(f"{path}: not a regular file; take it away")
            yield path.relative_to(folder).as_posix(), path


def holds_token(file: RepoFile, token: str | None) -> bool:
    """Whether this token, or something like a Hub token, stands in a file's bytes or its name."""
    if tokens_in(file.target.encode(), token):
        return True
    if file.source is None or file.size < 2**16:
        return tokens_in(file.read(), token)
    with file.source.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return tokens_in(content, token)


def tokens_in(content: bytes | mmap.mmap, token: str | None) -> bool:
    """Whether this token, or something like a Hub token, stands in some bytes."""
    if token and content.find(token.encode()) >= 0:
        return True
    for prefix in (b"hf_", b"api_org_"):  # found before matched: gigabytes of weights are searched
        at = content.find(prefix)
        while at >= 0:
            if HUB_TOKEN.match(content, at):
                return True
            at = content.find(prefix, at + 1)
    return False


def prepare(out: Path, files: Sequence[RepoFile]) -> dict[str, str]:
    """Make OUT the repo to be: every planned file and no other; target -> SHA-256. Written whole or not at all.

    What was prepared is noted beside OUT, so that only a folder that was made here, and not changed since, is replaced.
    """
    manifest = out.with_name(f".{out.name}.prepared.json")
    temporary, old, noted = (out.with_name(f".{out.name}.{os.getpid()}.{end}") for end in ("tmp", "old", "json"))
    before = check_replaceable(out, manifest)
    try:
        digests = {file.target: file.sha256 for file in files}
        if before == digests:
            return digests
        check_space(out, sum(file.size for file in files))
        for file in progress(files, "copying"):
            target = temporary / file.target
            target.parent.mkdir(parents=True, exist_ok=True)
            if file.source is None:
                target.write_bytes(file.read())
            else:
                shutil.copyfile(file.source, target)
        write_whole(noted, json.dumps({"schema_version": OUTPUT_SCHEMA, "files": digests}, indent=1) + "\n")
        if out.exists():
            out.replace(old)
        temporary.replace(out)
        noted.replace(manifest)
    except OSError as error:
        raise ScriptError(f"{out}: could not be prepared: {error.strerror or error}") from error
    finally:
        if old.exists() and not out.exists():
            old.replace(out)
        for left in (temporary, old):
            shutil.rmtree(left, ignore_errors=True)
        noted.unlink(missing_ok=True)
    return digests


def check_space(out: Path, needed: int) -> None:
    """ScriptError when the disk of a folder to be has not enough room."""
    there = next(folder for folder in out.parents if folder.exists())
    free = shutil.disk_usage(there).free
    if needed > free:
        raise ScriptError(f"{out}: no space: {needed:,} bytes needed, {free:,} free; choose another --prepare folder")


def check_replaceable(out: Path, manifest: Path) -> dict[str, str] | None:
    """What was prepared in OUT before (None: nothing there); ScriptError when OUT holds anything else."""
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise ScriptError(f"{out} is not a folder; choose another --prepare folder")
    if not out.exists() or not any(out.iterdir()):
        return None
    noted = read_json(manifest) if manifest.is_file() else None
    made = noted.get("files") if isinstance(noted, dict) else None
    if not isinstance(made, dict):
        raise ScriptError(f"{out} is not empty and was not prepared here; choose another --prepare folder")
    there = {path.relative_to(out).as_posix(): path for path in out.rglob("*") if not path.is_dir()}
    changed = sorted(set(there) ^ set(made)) or [n for n in sorted(there) if file_sha256(there[n]) != made[n]]
    if changed:
        raise ScriptError(
            f"{out}: {listing(changed)} changed since it was prepared; move {out} away, or choose another"
        )
    return made


# --- Edges: push ---------------------------------------------------------------------------------------------------


def find_token(token_file: str | None) -> str:
    """The Hub token from --token-file, the environment, .env or the `hf auth` login; ScriptError when there is none."""
    from huggingface_hub import get_token

    if token_file:
        where = f"--token-file {token_file}"
        try:
            token = Path(token_file).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise ScriptError(f"{where}: could not be read") from error
    else:
        where = "the Hub token"
        token = os.environ.get("HF_TOKEN") or dotenv_token() or get_token()
    if not token:
        raise ScriptError(f"no Hub token; {LOG_IN}, set HF_TOKEN, or give --token-file FILE")
    if not re.fullmatch(r"\s*[!-~]+\s*", token):
        raise ScriptError(f"{where}: one line with a token is expected; {LOG_IN}, or correct it")
    return token.strip()


def dotenv_token() -> str | None:
    """HF_TOKEN in the current folder's .env."""
    from dotenv import dotenv_values

    return dotenv_values(".env").get("HF_TOKEN") if Path(".env").is_file() else None


@contextlib.contextmanager
def hub_errors(doing: str, token: str) -> Iterator[None]:
    """Turn the Hub client's errors into one line that says what failed."""
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        yield
    except HFValidationError as error:
        raise ScriptError(f"{doing}: {str(error).splitlines()[0]}") from error
    except (OSError, RuntimeError, httpx2.HTTPError) as error:  # RuntimeError: an upload failed, its cause says why
        cause: BaseException | None = error
        while cause and not isinstance(cause, HfHubHTTPError):
            cause = cause.__cause__
        if cause is None:
            local = getattr(error, "filename", None)
            what = f"{local}: {error.strerror}" if local else f"the connection failed ({type(error).__name__})"
            raise ScriptError(f"{doing}: {what}") from error
        status = cause.response.status_code if cause.response is not None else None
        said = " ".join(str(cause.server_message or "").replace(token, "***").split())[:200]
        reason = HUB_REASONS.get(status, f"the Hub answered {status}") + (f" ({said})" if said else "")
        raise ScriptError(f"{doing}: {reason}") from error


def check_write_access(identity: Mapping[str, Any], repo_id: str, create_pr: bool) -> None:
    """ScriptError when whoami says that this token may not write to the repo."""
    owner = repo_id.split("/")[0]
    token = (identity.get("auth") or {}).get("accessToken") or {}
    make = "make one with write permission at https://huggingface.co/settings/tokens"
    if token.get("role") == "read":
        raise ScriptError(f"the token may only read; {make}")
    if token.get("role") == "fineGrained":
        granted = token.get("fineGrained") or {}
        own = [s for s in granted.get("scoped") or () if (s.get("entity") or {}).get("name") in (owner, repo_id)]
        permissions = {*(granted.get("global") or ()), *(p for s in own for p in s.get("permissions") or ())}
        if not permissions & {"repo.write", *(["discussion.write"] if create_pr else [])}:
            raise ScriptError(f"the fine-grained token has no repo.write permission for {repo_id}; {make}")
    roles = {str(org.get("name")): org.get("roleInOrg") for org in identity.get("orgs") or []}
    if not create_pr and owner != identity.get("name") and roles.get(owner, "read") == "read":
        raise ScriptError(f"{identity.get('name')} may not write to {owner}; choose another owner, or use --create-pr")


@dataclass(frozen=True, slots=True)
class Upload:
    """What a push would do: the parent commit (None: the repo is to be made), and files by what happens to them."""

    parent: str | None
    new: tuple[str, ...]
    changed: tuple[str, ...]
    same: tuple[str, ...]


def plan_upload(
    api: Any, repo_id: str, files: Mapping[str, RepoFile], digests: Mapping[str, str], private: bool
) -> Upload:
    """Compare the prepared files with the repo's by their hashes."""
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    try:
        info = api.repo_info(repo_id)
    except GatedRepoError:
        raise
    except RepositoryNotFoundError:
        return Upload(None, tuple(sorted(digests)), (), ())
    if private and not info.private:
        raise ScriptError(f"{repo_id} exists and is public; leave --private out, or choose another name")
    states = compare_remote(api, repo_id, info.sha, files, digests)
    return Upload(
        info.sha, *(tuple(sorted(n for n, s in states.items() if s == state)) for state in ("new", "changed", "same"))
    )


def compare_remote(
    api: Any, repo_id: str, revision: str, files: Mapping[str, RepoFile], digests: Mapping[str, str]
) -> dict[str, str]:
    """Name -> new, changed or same, from the repo's own hashes: SHA-256 of large files, git's blob hash of others."""
    from huggingface_hub.utils.sha import git_hash

    remote = {
        f.path: f for f in api.list_repo_tree(repo_id, recursive=True, revision=revision) if hasattr(f, "blob_id")
    }
    states = {}
    for name, file in files.items():
        there = remote.get(name)
        if there is None:
            states[name] = "new"
        elif there.lfs is not None:
            states[name] = "same" if there.lfs.sha256 == digests[name] else "changed"
        else:
            states[name] = "same" if there.blob_id == git_hash(file.read()) else "changed"
    return states


def open_pull_request(api: Any, repo_id: str, author: str, title: str) -> Any | None:
    """The author's open pull request with this title, or None."""
    mine = api.get_repo_discussions(repo_id, author=author, discussion_type="pull_request", discussion_status="open")
    return next((request for request in mine if request.title == title and request.author == author), None)


def push(
    files: Mapping[str, RepoFile], digests: Mapping[str, str], message: str, token: str, args: argparse.Namespace
) -> dict[str, Any]:
    """Send the prepared files in one commit, read the repo back, and say what happened; nothing is sent twice."""
    from huggingface_hub import HfApi
    from huggingface_hub.utils import disable_progress_bars

    if not sys.stderr.isatty():
        disable_progress_bars()
    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT"), token=token)
    with hub_errors(f"push to {args.push}", token):
        identity = api.whoami()
        check_write_access(identity, args.push, args.create_pr)
        plan = plan_upload(api, args.push, files, digests, args.private)
        answer = {"repo_id": args.push, "new": plan.new, "changed": plan.changed, "unchanged": plan.same}
        if plan.changed:
            note(f"overwritten in {args.push}: {listing(plan.changed, 20)}")
        if plan.parent is not None and not plan.new and not plan.changed:
            note(f"{args.push} has all {len(digests)} files already; nothing was sent")
            return answer | {"commit": None, "url": f"{api.endpoint}/{args.push}"}
        if args.create_pr:
            if plan.parent is None:
                raise ScriptError(f"{args.push} does not exist, so it can get no pull request; leave --create-pr out")
            request = open_pull_request(api, args.push, identity["name"], message)
            if request:
                check_pull_request(api, request, args.push, files, digests)
                return answer | {"commit": None, "pull_request": request.url}
        if args.dry_run:
            note(f"dry run: {len(plan.new)} new and {len(plan.changed)} changed files would go to {args.push}")
            return answer | {"commit": None, "dry_run": True}
        return answer | send(api, plan, files, digests, message, args)


def send(
    api: Any,
    plan: Upload,
    files: Mapping[str, RepoFile],
    digests: Mapping[str, str],
    message: str,
    args: argparse.Namespace,
) -> dict[str, Any]:
    """Make the commit or the pull request, and compare what the Hub has then."""
    from huggingface_hub import CommitOperationAdd

    if plan.parent is None:
        api.create_repo(args.push, private=args.private or None)
    operations = [CommitOperationAdd(name, files[name].source) for name in (*plan.new, *plan.changed)]
    commit = api.create_commit(
        args.push, operations, commit_message=message, parent_commit=plan.parent, create_pr=args.create_pr or None
    )
    states = compare_remote(api, args.push, commit.pr_revision if args.create_pr else commit.oid, files, digests)
    wrong = [name for name, state in states.items() if state != "same"]
    if wrong:
        raise ScriptError(f"{args.push}: {listing(wrong)} differ on the Hub after the push")
    note(f"pushed {len(operations)} files to {commit.pr_url or commit.commit_url}; all {len(digests)} hashes agree")
    return {"commit": commit.oid, "url": commit.commit_url, "pull_request": commit.pr_url}


def check_pull_request(
    api: Any, request: Any, repo_id: str, files: Mapping[str, RepoFile], digests: Mapping[str, str]
) -> None:
    """ScriptError(code=3) when an open pull request has other files than the prepared ones."""
    states = compare_remote(api, repo_id, request.git_reference, files, digests)
    if set(states.values()) != {"same"}:
        raise ScriptError(
            f"an open pull request is there with other files: {request.url}; merge or close it first", code=3
        )
    note(f"{request.url} has all {len(digests)} files already; nothing was sent")


# --- Commands ------------------------------------------------------------------------------------------------------


def resolve_options(args: argparse.Namespace, vocabulary: MetricMapping) -> Options:
    """The options that decide how scores become one number; ScriptError for names that are not known."""
    keys = None
    if args.benchmarks:
        keys = []
        for name in (part.strip() for part in args.benchmarks.split(",") if part.strip()):
            key = vocabulary.key(name)
            if key is None:
                near = nearest(name, vocabulary.entries)
                raise ScriptError(f"--benchmarks: {name!r} is not in metric_mapping.json{near}")
            keys.append(key)
    overall = "mean of the categories"
    if args.weights:
        overall = f"weighted mean of the categories (weights: {args.weights})"
    if args.score_function:
        overall = f"result of {args.score_function}"
    return Options(
        tuple(dict.fromkeys(keys)) if keys else None,
        read_weights(args.weights, vocabulary),
        3 if args.weights == "reference" else None,
        read_score_function(args.score_function) if args.score_function else None,
        frozenset(args.result_id or ()),
        overall,
    )


def make_ranking(args: argparse.Namespace, vocabulary: MetricMapping) -> Ranking:
    """Scan, read and rank; remarks go to stderr."""
    options = resolve_options(args, vocabulary)
    root = Path(args.checkpoints)
    folders = [Path(folder) for folder in args.results] if args.results else [root]
    checkpoints, skipped, others = scan_checkpoints(root, folders if args.results else ())
    for entry in skipped[:10]:
        note(f"skipped {entry.name}: {entry.reason}")
    if len(skipped) > 10:
        note(f"skipped {len(skipped) - 10} more; --json lists them")
    if others:
        note(f"no checkpoints, left alone: {listing(others)}")
    check_steps(checkpoints, root)
    skipped += [Skipped(name, NO_CHECKPOINT) for name in others]
    if args.scoring == "step-formula":
        return rank_by_formula(checkpoints, skipped, vocabulary, options)
    results, failures, strangers = read_measured(folders, checkpoints, vocabulary)
    if strangers:
        note(f"{strangers} records are about other models and were left out")
    for failure in failures[:10]:
        note(f"failed: {failure['task']} for {failure['checkpoint']}: {failure['error']} ({failure['file']})")
    if len(failures) > 10:
        note(f"{len(failures) - 10} more failed; --json lists them")
    if results:
        ranking = rank_by_records(checkpoints, skipped, results, failures, vocabulary, options)
        for line in ranking.notes:
            note(f"note: {line}")
        return ranking
    if args.scoring == "measured":
        raise ScriptError(
            f"no record about these checkpoints below {listing(map(str, folders))}; evaluate them with "
            "scripts/lighteval_vllm_uv.py"
        )
    note(
        "warning: no measured score for these checkpoints. What follows is SYNTHETIC: the step formulas compute it "
        "from the step number, no weights were read. Evaluate with scripts/lighteval_vllm_uv.py for real scores"
    )
    return rank_by_formula(checkpoints, skipped, vocabulary, options)


def commit_message(ranking: Ranking) -> str:
    """One line that says what the commit holds and where its scores come from."""
    best = ranking.best
    source = "score_source: step-formula, synthetic" if ranking.synthetic else "score_source: measured"
    return f"Add checkpoint {best.checkpoint.name} (eval_accuracy {number(best.eval_accuracy)}, {source})"


def filled_card(args: argparse.Namespace, ranking: Ranking, vocabulary: MetricMapping) -> str:
    """The text of the card to be published; ScriptError when it cannot be filled or may not be pushed."""
    if args.push and ranking.synthetic and args.scoring != "step-formula":
        raise ScriptError("step-formula scores measure nothing; to push them all the same, say --scoring step-formula")
    card, remarks = fill_card(read_card(args.card), ranking.best, vocabulary, args.card_column or ())
    for line in remarks:
        note(f"note: {line}")
    return card


def publish(args: argparse.Namespace, ranking: Ranking, card: str) -> dict[str, Any]:
    """Prepare the folder and push it; what was done, for --json."""
    token = find_token(args.token_file) if args.push else None
    out, checkpoint = Path(os.path.abspath(args.prepare)), ranking.best.checkpoint
    if not out.name or inside(out, checkpoint.path):
        raise ScriptError(f"--prepare {args.prepare}: choose a folder outside the checkpoint")
    token_file = Path(args.token_file) if args.token_file else None
    assets = [Path(asset) for asset in args.assets or ()]
    try:
        files, secrets = plan_files(checkpoint, card, assets, Path(args.checkpoints), token_file, token)
        digests = {f.target: f.sha256 for f in files} if args.dry_run else {}
    except OSError as error:
        raise ScriptError(f"{error.filename or checkpoint.path}: {error.strerror or error}") from error
    if secrets:
        note(f"left out, they may hold secrets: {listing(secrets, 20)}")
    prepared = {"path": args.prepare, "files": [f.target for f in files], "left_out": secrets}
    if args.dry_run:
        check_replaceable(out, out.with_name(f".{out.name}.prepared.json"))
        note(f"dry run: {len(files)} files would be prepared in {args.prepare}")
        sent = push({f.target: f for f in files}, digests, commit_message(ranking), token, args) if args.push else None
        return {"prepared": prepared | {"dry_run": True}} | ({"pushed": sent} if sent else {})
    digests = prepare(out, files)
    note(f"prepared {checkpoint.name} in {args.prepare} ({len(files)} files)")
    if not args.push:
        return {"prepared": prepared}
    stays = f"the prepared folder {args.prepare} stays: run the same command again to go on"
    try:
        sent = push(
            {name: RepoFile(name, out / name) for name in digests}, digests, commit_message(ranking), token, args
        )
    except ScriptError as error:
        raise ScriptError(f"{error}; {stays}", error.code) from error
    except KeyboardInterrupt:
        note(stays)
        raise
    return {"prepared": prepared, "pushed": sent}


def write_outputs(args: argparse.Namespace, ranking: Ranking, vocabulary: MetricMapping) -> None:
    """The figures and the report, as far as they are wanted."""
    figures = write_figures(ranking, vocabulary, Path(args.figures)) if args.figures else []
    if figures:
        note(f"figures in {args.figures}: {', '.join(figures)}")
    if args.report:
        base = Path(args.report).resolve().parent
        names = [Path(os.path.relpath(Path(args.figures).resolve() / name, base)).as_posix() for name in figures]
        try:
            report = render_report(ranking, vocabulary, names).encode("utf-8", "backslashreplace").decode()
            write_whole(Path(args.report), report)
        except OSError as error:  # its folder is a file
            raise ScriptError(f"--report {args.report}: {error.strerror}") from error
        note(f"report in {args.report}")


def run(args: argparse.Namespace) -> int:
    """Rank, write what was asked for, print; on exit 2 nothing is printed to stdout."""
    check_usage(args)
    vocabulary = read_vocabulary()
    ranking = make_ranking(args, vocabulary)
    done: dict[str, Any] = {}
    undone: ScriptError | None = None
    try:
        card = filled_card(args, ranking, vocabulary) if args.card else ""
        write_outputs(args, ranking, vocabulary)
        if args.prepare:
            done = publish(args, ranking, card)
    except ScriptError as error:
        if error.code == 2:
            raise
        undone = error
    if args.json:
        print_data(json.dumps(ranking_json(ranking) | done, indent=2, ensure_ascii=False, allow_nan=False))
    else:
        print_data(table_text(ranking, vocabulary))
    if undone:
        raise undone
    return 0


def check_usage(args: argparse.Namespace) -> None:
    """ScriptError for options that need others."""
    if args.push and not (args.prepare and args.card):
        raise ScriptError("--push needs --prepare OUT and --card README.md: the folder to send is prepared first")
    if args.prepare and not args.card:
        raise ScriptError("--prepare needs --card README.md, the card whose {RESULT} cells are filled")
    if args.card and not args.prepare:
        raise ScriptError("--card needs --prepare OUT, the folder to prepare")
    if args.push and not re.fullmatch(r"[\w.-]+/[\w.-]+", args.push):
        raise ScriptError(f"--push {args.push}: OWNER/NAME is expected")
    if args.weights and args.score_function:
        raise ScriptError("--weights and --score-function exclude each other")
    if args.scoring == "step-formula" and args.results:
        raise ScriptError("--scoring step-formula reads no records; leave --results out")


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("checkpoints", metavar="CHECKPOINTS", help="folder with the checkpoints of one training run")
    add("--results", nargs="+", metavar="DIR", help="folders with evaluation records (default: below CHECKPOINTS)")
    add(
        "--scoring",
        choices=("auto", "measured", "step-formula"),
        default="auto",
        help="auto: measured, where there are records",
    )
    add("--benchmarks", metavar="A,B", help="rank by these benchmarks or categories only")
    add(
        "--result-id",
        nargs="+",
        metavar="ID",
        help="which result ranks where a benchmark has several (task|shots/metric)",
    )
    add("--weights", metavar="FILE|reference", help="weights of the categories (JSON or YAML), or the reference's own")
    add(
        "--score-function",
        metavar="FILE.py",
        help="one function that turns the scores into the overall score (it is executed)",
    )
    add("--json", action="store_true", help="one JSON document to stdout")
    add("--report", metavar="FILE.md", help="write the ranking as Markdown")
    add("--figures", metavar="DIR", help="write the figures (PNG and SVG)")
    add("--prepare", metavar="OUT", help="copy the best checkpoint to OUT, with the filled card and the assets")
    add("--card", type=Path, metavar="README.md", help="the model card with {RESULT} placeholders")
    add("--card-column", nargs="+", metavar="NAME", help="the column to fill, where several have {RESULT}")
    add("--assets", nargs="+", metavar="DIR", help="folders or files to put into OUT, under their own names")
    add("--push", metavar="OWNER/NAME", help="push OUT to this model repo on the Hub, in one commit")
    add("--private", action="store_true", help="make the repo private, when it is made")
    add("--create-pr", action="store_true", help="open a pull request instead of a commit on main")
    add("--token-file", metavar="FILE", help="file with the Hub token (default: HF_TOKEN, .env, `hf auth login`)")
    add(
        "--dry-run",
        action="store_true",
        help="with --prepare and --push: say what would be done, write and send nothing",
    )
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
