"""run.json: what was planned and sent, kept so that a run goes on where it was."""

from __future__ import annotations

import argparse
import contextlib
import difflib
import json
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from parts.frame import ScriptError, write_whole
from parts.inputs import read_json
from parts.jobs.client import job_labels
from parts.jobs.vocabulary import (
    JOB_ENVIRONMENT,
    RUN_SCHEMA,
    EvalJob,
    EvalRun,
    JobState,
    duration_text,
    plain_task,
    task_key,
)

LOCK_SECONDS = 5.0
RUN_ID = re.compile(r"[A-Za-z0-9_-]{1,60}")

# What logs of failed jobs say, the more particular first, and what to do about it.
CAUSES = (
    (
        r"larger than the (?:maximum number of tokens|available KV cache)|No available memory for the cache blocks",
        "no room for the longest request: submit with a smaller --max-model-len, or larger --hardware",
    ),
    (
        r"out of memory|OutOfMemoryError|OOMKilled|exit code:? 137",
        "out of memory: submit with a smaller --gpu-memory-utilization, larger --hardware, or --tensor-parallel-size",
    ),
    (
        r"GatedRepo|gated repo|\bis gated\b|\bgated:|access to \w+ \S+ is restricted",
        "a gated model or data set: accept its terms on its page on the Hub with the account of the token",
    ),
    (
        r"architectures? .{0,200}(?:are|is) not supported|does not recognize this architecture|no vLLM implementation",
        "an architecture that vLLM does not have: submit with --backend accelerate (inspect: --backend hf)",
    ),
    (
        r"no chat template|chat.template is (?:not set|missing)",
        "the tokenizer has no chat template: submit without --use-chat-template",
    ),
    (r"bfloat16 is only supported on GPUs", "this GPU has no bfloat16: submit with other --hardware, such as l4x1"),
    (
        r"(?:argument|option|set) .?trust_remote_code|model brings its own code",
        "the model brings its own code: read it, then submit with --trust-remote-code",
    ),
    (r"No space left on device", "the disk is full: submit with larger --hardware"),
    (
        r"402 Client Error|Payment Required|exceeded your monthly included credits",
        "the provider wants to be paid: buy credits at https://huggingface.co/settings/billing",
    ),
    (r"401 Client Error|Invalid username or password", "the token was refused: log in again, then submit again"),
    (r"no task '", "the evaluation script has no such task: see its --list-tasks"),
    (r"No solution found when resolving", "the packages of the script could not be put together by uv"),
)


def hf_command(run: EvalRun, job: EvalJob) -> str:
    """The command of the `hf` program that submits the same job; the token is named, never written."""
    words = ["hf", "jobs", "uv", "run", "--detach", "--flavor", job.flavor, "-s", "HF_TOKEN"]
    words += ["--timeout", run.timeout, "--namespace", run.namespace]
    words += ["--image", run.image] if run.image else []
    for name, value in JOB_ENVIRONMENT.items():
        words += ["-e", f"{name}={value}"]
    for name, value in job_labels(run, job, run.states[job.name].attempt + 1).items():
        words += ["-l", f"{name}={value}"]
    for package in run.packages:
        words += ["--with", package]
    return shlex.join([*words, f"scripts/{run.script}", *job.arguments])


def failure_cause(message: str | None, log: Sequence[str], ran: float, timeout: int) -> str | None:
    """What is known to lie behind a failure, with what to do; None when nothing is."""
    text = "\n".join([*log, message or ""])
    if ran >= timeout or re.search(r"job timeout|timed? ?out after", message or "", re.IGNORECASE):
        return f"it ran into its timeout: submit again with a longer --timeout (it was {duration_text(timeout)})"
    return next((advice for pattern, advice in CAUSES if re.search(pattern, text, re.IGNORECASE)), None)


def run_to_json(run: EvalRun) -> dict[str, Any]:
    """What run.json holds."""
    plan = {name: value for name, value in asdict(run).items() if name not in ("jobs", "states")}
    jobs = [asdict(job) | {"state": asdict(state)} for job, state in run.rows()]
    return {"schema_version": RUN_SCHEMA, **plan, "jobs": jobs}


def run_from_json(data: Any, where: Path) -> EvalRun:
    """The run that a run.json holds; ScriptError when it is none."""
    if not isinstance(data, dict) or data.get("schema_version") != RUN_SCHEMA:
        raise ScriptError(f"{where}: not a run.json of version {RUN_SCHEMA}")
    try:
        rows = [dict(row) for row in data["jobs"]]
        states = {row["name"]: JobState(**tuples(row.pop("state"))) for row in rows}
        jobs = tuple(EvalJob(**tuples(row)) for row in rows)
        plan = {name: value for name, value in data.items() if name not in ("schema_version", "jobs")}
        return EvalRun(**tuples(plan), jobs=jobs, states=states)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ScriptError(f"{where}: damaged ({error!r}): use another --run-id") from error


def tuples(values: dict[str, Any]) -> dict[str, Any]:
    """Lists, which JSON has, as tuples, which do not change."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def same_plan(old: EvalRun, new: EvalRun) -> bool:
    """Whether two plans ask for the same; hardware, prices and timeout may be others now."""
    return (old.script, old.namespace, old.results_repo, [job.name for job in old.jobs]) == (
        new.script,
        new.namespace,
        new.results_repo,
        [job.name for job in new.jobs],
    )


def run_file(args: argparse.Namespace, run_id: str) -> Path:
    """Where the run.json of a run is; ScriptError for an id that is no name."""
    if not RUN_ID.fullmatch(run_id):
        raise ScriptError(f"{run_id!r} is no run id: letters, digits, dashes and underscores, at most 60")
    return Path(args.runs_dir) / run_id / "run.json"


def load_run(args: argparse.Namespace) -> EvalRun:
    """The run that a verb names; ScriptError with the runs that there are."""
    path = run_file(args, args.run_id)
    if not path.is_file():
        known = sorted(found.parent.name for found in Path(args.runs_dir).glob("*/run.json"))
        hint = f"there are {', '.join(known[-5:])}" if known else "give its folder with --runs-dir"
        raise ScriptError(f"{path}: no such run; {hint}")
    return run_from_json(read_json(path), path)


def save_run(args: argparse.Namespace, run: EvalRun) -> None:
    """Write run.json, whole or not at all."""
    write_whole(run_file(args, run.run_id), json.dumps(run_to_json(run), indent=1) + "\n")


@contextlib.contextmanager
def only_one(args: argparse.Namespace, run_id: str) -> Iterator[None]:
    """Let no two commands send jobs of the same run at a time, which would send some twice."""
    from huggingface_hub.utils import WeakFileLock

    path = run_file(args, run_id).with_name(".lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with WeakFileLock(path, timeout=LOCK_SECONDS):
            yield
    except TimeoutError as error:
        raise ScriptError(f"{run_id} is being submitted by another command: wait for it, or end it") from error
    except OSError as error:
        raise ScriptError(f"{path}: could not be written: {error.strerror or error}") from error


def mapped_names() -> dict[str, dict[str, str]]:
    """Canonical key -> harness -> its name there, from metric_mapping.json when it is beside the scripts."""
    path = Path(__file__).resolve().parent.parent / "metric_mapping.json"
    found = read_json(path) if path.is_file() else {}
    return {
        key: {
            name: task_key(entry[name])
            for name in ("lighteval", "inspect", "lm_eval")
            if isinstance(entry.get(name), str)
        }
        for key, entry in found.items()
        if isinstance(entry, dict)
    }


def task_aliases() -> dict[str, set[str]]:
    """Canonical key -> the names that harnesses give it."""
    return {key: set(names.values()) for key, names in mapped_names().items()}


def task_warnings(tasks: Sequence[str], framework: str, script: str) -> tuple[str, ...]:
    """A warning for each task that no list here has for a framework: its job would end at once, and be paid for."""
    found, mapped = [], mapped_names()
    here = {name for key, names in mapped.items() if framework in names for name in (key, names[framework])}
    for task in tasks:
        name = task_key(task)
        if not here or name in here or task_key(task.split(":", 1)[0]) in here:
            continue
        others = " or ".join(mapped.get(name, ()))
        close = ", ".join(difflib.get_close_matches(name, here, n=3))
        hint = f"{others} has it" if others else f"did you mean {close}?" if close else "it may be there all the same"
        found.append(
            f"warning: {task}: not known to be a task of {framework} ({hint}); look before you pay: "
            f"uv run scripts/{script} --list-tasks {plain_task(task)}"
        )
    return tuple(found)
