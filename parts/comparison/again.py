"""The way out of NOT COMPARABLE and MISSING: the command that measures the other model as this one was.

Takes a run that may be used (its record says how it was made) and the other model; gives a command line. Records of
this project's scripts keep their own command; for those of lm-eval, lighteval and inspect-ai the harness's own command
is written, in the record's version, with what the record says of tasks, shots, types and backend. Of other harnesses
the settings are told.
"""

from __future__ import annotations

import re
import shlex
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from parts.comparison.vocabulary import ABSENT, NOT_COMPARABLE, ModelRuns, Row, Run
from parts.foreign import mapping_in
from parts.frame import ScriptError, script_here
from parts.records.files import read_record
from parts.vocabulary import library_field

OWN_COMMAND = re.compile(
    r"uv run (?:\S*/)?((?:lighteval_vllm|lm_eval_vllm|inspect_vllm|inspect_eval)_uv\.py) (.+)", re.S
)
# Options of those scripts that say which model and where to, and not how.
NOT_HOW = {"--model", "--model-id", "--base-model", "--output-dir", "--results-repo", "--keep-downloads", "--watch"}
NOT_HOW |= {"--until-step", "--stop-when"}
AGAIN_FOLDER = "again"
TASKS = "\0TASKS\0"  # the place of the tasks in a command


def ways_out(rows: Iterable[tuple[Row, tuple[str, str]]], models: Mapping[str, ModelRuns]) -> list[str]:
    """For rows without a comparison, each with its (first, second) model: what to run, once for all tasks alike."""
    tasks: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for row, names in rows:
        if row.verdict not in (NOT_COMPARABLE, ABSENT):
            continue
        found = [[run for run in models[name].runs if run.key == row.key] for name in names]
        found = [list(side.runs) for side in row.sides] if row.sides else found
        usable = [i for i in (0, 1) if found[i] and all(is_usable(run) for run in found[i])]
        if not usable:
            continue
        one, other = (names[usable[0]], names[1 - usable[0]])
        for run in found[usable[0]]:
            command, task = command_like(run, model_argument(models[other]) or other)
            if task not in tasks[one, other, command]:
                tasks[one, other, command].append(task)
    return [
        f"measure {other} as {one} was: {command.replace(TASKS, joined_tasks(command, own))}"
        for (one, other, command), own in tasks.items()
    ]


def joined_tasks(command: str, tasks: Sequence[str]) -> str:
    """Names of tasks as a command takes them: inspect's each for itself, the others' with commas."""
    return shlex.join(tasks) if " inspect" in command or "/inspect" in command else shlex.quote(",".join(tasks))


def is_usable(run: Run) -> bool:
    """Whether a run is a measurement that another one may be like."""
    return run.measured and not run.validity.reasons


def model_argument(model: ModelRuns) -> str | None:
    """How a model is given to a script: its folder where a record names one that is here, else its id and revision."""
    for run in model.runs:
        record = record_behind(run)
        path = mapping_in(mapping_in(record, "model_info"), "additional_details").get("path")
        if isinstance(path, str) and Path(path).is_dir():
            return path
        revision = run.identity.revision
        return run.identity.id + (f"@{revision}" if revision and revision != "main" else "") or None
    return None


def record_behind(run: Run) -> Mapping[str, Any]:
    try:
        return read_record(Path(run.file)) or {}
    except (ScriptError, OSError):
        return {}


def command_like(run: Run, model: str) -> tuple[str, str]:
    """(the command with TASKS in the place of its tasks, the run's task)."""
    record = record_behind(run)
    library = mapping_in(record, "eval_library")
    details = mapping_in(library, "additional_details")
    row = next(
        (r for r in record.get("evaluation_results") or [] if r.get("evaluation_result_id") == run.result_id), {}
    )
    said = dict(mapping_in(mapping_in(row, "generation_config"), "additional_details"))
    said |= mapping_in(mapping_in(row, "generation_config"), "generation_args")
    said["engine"] = mapping_in(mapping_in(record, "model_info"), "inference_engine").get("name")
    task = str(details.get("task") or run.name)
    if found := OWN_COMMAND.fullmatch(str(details.get("command") or "")):
        return own_command(found[1], found[2], model), task
    name, version = library_field(str(library.get("name") or "")), str(library.get("version") or "")
    version = version if re.fullmatch(r"\d[\w.!-]*", version) else ""
    if name in HARNESSES:
        task = task.partition("|")[0] if name != "lighteval" else task if "|" in task else f"{task}|{run.shots or 0}"
        return HARNESSES[name](model, version, run.shots, said), task
    told = {
        name: said[name]
        for name in ("dtype", "backend", "temperature", "max_tokens")
        if said.get(name) not in (None, "")
    }
    how = ", ".join([f"{run.shots}-shot"] * bool(run.shots) + [f"{key} {value}" for key, value in told.items()])
    return f"with {' '.join(run.harness)}{f' ({how})' if how else ''}: {TASKS}", task


def own_command(script: str, words: str, model: str) -> str:
    """A command of one of this project's scripts with another model, and TASKS in the place of its tasks."""
    try:
        given = shlex.split(words)
    except ValueError:
        given = []
    kept: list[str] = []
    skipping = False
    for word in given:
        if word.startswith("--"):
            skipping = word in NOT_HOW or word in ("--tasks", "--task")
        if not skipping:
            kept.append(word)
    option = "--task" if script.startswith("inspect") else "--tasks"
    start = f"uv run {script_here(script)} --model {shlex.quote(model)} {option} {TASKS}"
    return f"{start} {shlex.join(kept)}".rstrip()


def with_flags(said: Mapping[str, Any], flags: Mapping[str, str]) -> str:
    """Options for what a record says: " --seed 1234"; a flag without a value where the record says true."""
    words: list[str] = []
    for key, flag in flags.items():
        value = said.get(key)
        if value in (None, "", "None", False) or str(value).lower() == "false":
            continue
        words += [flag] if str(value).lower() == "true" else [flag, shlex.quote(str(value))]
    return "".join(f" {word}" for word in words)


def model_arguments(model: str, name: str, said: Mapping[str, Any]) -> str:
    """The model's arguments as a harness wants them: "pretrained=o/m,revision=abc,dtype=float16"."""
    model, _, revision = model.partition("@")
    known = {name: model, "revision": revision, "dtype": said.get("dtype")}
    return shlex.quote(",".join(f"{key}={value}" for key, value in known.items() if value))


def lm_eval_command(model: str, version: str, shots: str, said: Mapping[str, Any]) -> str:
    backend = "vllm" if "vllm" in (said.get("backend"), said.get("engine")) else "hf"
    flags = {
        "limit": "--limit",
        "use_chat_template": "--apply_chat_template",
        "apply_chat_template": "--apply_chat_template",
    }
    flags |= {"fewshot_as_multiturn": "--fewshot_as_multiturn", "system_prompt": "--system_instruction"}
    how = (f" --num_fewshot {shots}" if shots else "") + with_flags(said, flags) + " --log_samples"
    return (
        f"uv run --with {pinned(f'lm-eval[{backend}]', version)} lm_eval --model {backend} --model_args "
        f"{model_arguments(model, 'pretrained', said)} --tasks {TASKS}{how} {then_convert('--output_path')}"
    )


def lighteval_command(model: str, version: str, shots: str, said: Mapping[str, Any]) -> str:
    backend = "vllm" if "vllm" in (said.get("backend"), said.get("engine")) else "accelerate"
    flags = {"limit": "--max-samples", "system_prompt": "--system-prompt"}
    extra = "vllm" if backend == "vllm" else "math"
    return (
        f"uv run --with {pinned(f'lighteval[{extra}]', version)} lighteval {backend} "
        f"{model_arguments(model, 'model_name', said)} {TASKS}{with_flags(said, flags)} --save-details "
        f"{then_convert('--output-dir')}"
    )


def inspect_command(model: str, version: str, shots: str, said: Mapping[str, Any]) -> str:
    engine = str(said.get("backend") or said.get("engine") or "hf")
    engine = {"transformers": "hf"}.get(engine, engine)
    name = f"{engine}/{model.partition('@')[0].removeprefix(engine + '/')}"
    flags = {"limit": "--limit", "temperature": "--temperature", "max_tokens": "--max-tokens", "seed": "--seed"}
    return (
        f"uv run --with {pinned('inspect-ai', version)} --with inspect-evals inspect eval {TASKS} "
        f"--model {shlex.quote(name)}"
        f"{f' -T fewshot={shots}' if shots else ''}{with_flags(said, flags)} {then_convert('--log-dir')}"
    )


HARNESSES = {"lm_eval": lm_eval_command, "lighteval": lighteval_command, "inspect": inspect_command}


def pinned(package: str, version: str) -> str:
    return shlex.quote(f"{package}=={version}" if version else package)


def then_convert(option: str) -> str:
    return f"{option} {AGAIN_FOLDER} && uv run {script_here('convert_results.py')} {AGAIN_FOLDER} --output-dir results"
