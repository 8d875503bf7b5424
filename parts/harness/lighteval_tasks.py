"""lighteval's tasks: names, custom files, documents with stable ids."""

from __future__ import annotations

import ast
import fnmatch
import functools
import importlib.util
import os
import re
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from parts.embedded import embedded
from parts.frame import ScriptError, note, option_words
from parts.harness.evaluated import guard_evaluation
from parts.harness.golds import NO_ANSWER, check_golds, say_missing_spaces, why_no_choice
from parts.harness.scores import nearest_tasks
from parts.harness.seed import dataset_revision, seed_everything
from parts.harness.services import CLIENT_MODEL, code_of, say_services
from parts.harness.settings import Settings
from parts.harness.surroundings import (
    allow_programs,
    asked_by,
    forks_without_secrets,
    lie_here,
    loaded_programs,
    not_allowed,
    refuse_stand_in,
    refused_program,
)
from parts.harness.vocabulary import ALL, Dataset, Task, TaskRequest
from parts.hashes import data_sha256, plain_path, sources_only
from parts.inputs import input_text
from parts.names import SUITES
from parts.private import explain, shown_path

# Tasks that were scored by the log-likelihood of their choices and are generated and matched today.
GENERATIVE_NOW = {"mmlu", "hellaswag"}
RUNS_CODE = "lcb"  # the family of tasks whose metric runs the answers

# Of metric_mapping.json: canonical key -> lighteval's name.
LIGHTEVAL_TASKS = embedded("../metric_mapping.json", "lighteval")


def parse_lighteval_task(text: str) -> TaskRequest:
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
    return TaskRequest(name, int(shots), parts[0] if len(parts) == 2 else "")


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


def todays_request(request: TaskRequest, names: Iterable[str]) -> TaskRequest:
    """A request by today's name where it is an older one or a canonical key; else as it is.

    arc_challenge -> arc:challenge    bigbench|winowhy -> bigbench:winowhy    aime_2025 -> aime25
    """
    names = list(names)
    if any(names_match(request, name) for name in names):
        return request
    older = [f"{request.suite}:{request.name}", LIGHTEVAL_TASKS.get(normalized_key(request.name), "")]
    known = [name for name in older if name and any(names_match(TaskRequest(name, 0), known) for known in names)]
    return replace(request, name=known[0]) if known else request


def normalized_key(name: str) -> str:
    """A name in the form of a canonical key: "ARC-Challenge" -> arc_challenge"""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def module_files(name: str) -> list[Path]:
    """The file of one of lighteval's modules, which is not imported."""
    spec = importlib.util.find_spec("lighteval")
    folders = spec.submodule_search_locations or () if spec else ()
    files = [Path(folder).joinpath(*name.split(".")[1:]).with_suffix(".py") for folder in folders]
    return list(filter(Path.is_file, files))


def programs_of_module(name: str) -> set[str]:
    """The metrics that one of lighteval's modules loads from the Hub, read from its source."""
    return {program for file in module_files(name) for program in loaded_programs(input_text(file))}


@functools.cache
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
            found = task_names_in(input_text(path), short)
            names |= dict.fromkeys(found, f"lighteval.tasks.tasks.{module}")
    return names


def custom_task_names(path: Path) -> set[str]:
    """The names in a user's task file, read without running it."""
    try:
        text = input_text(path)
        names = task_names_in(text, "")
    except (OSError, UnicodeDecodeError) as error:
        raise ScriptError(f"--custom-tasks {path}: {error}") from error
    except SyntaxError as error:
        raise ScriptError(f"--custom-tasks {path}:{error.lineno}: {error.msg}") from error
    if "TASKS_TABLE" not in text:
        raise ScriptError(
            f"--custom-tasks {path}: no TASKS_TABLE in it (a file for inspect: inspect_vllm_uv.py --task)"
        )
    return names


def lighteval_names(custom: str | None) -> set[str]:
    """All names of tasks, those that are made at run time as globs."""
    return {*built_in_tasks(), *(custom_task_names(Path(custom).expanduser()) if custom else ())}


def unknown_task(request: TaskRequest, names: Iterable[str]) -> ScriptError:
    close = nearest_tasks(request.name, names)
    hint = f"did you mean {', '.join(close)}?" if close else "see --list-tasks"
    return ScriptError(
        f"no task {request.name!r} in lighteval or --custom-tasks: {hint} "
        "(lm_eval_vllm_uv.py and inspect_vllm_uv.py have others: --list-tasks)"
    )


def name_tasks(requests: Sequence[TaskRequest], custom: Path | None, sandbox: str | None) -> list[TaskRequest]:
    """The requests by lighteval's names of today; says what is another name, another task, or runs code."""
    guard_evaluation(sandbox)
    own = custom_task_names(custom) if custom else set()
    named = []
    for request in requests:
        if request.name == ALL or any(names_match(request, name) for name in own - {"*"}):
            named.append(request)
            continue
        today = todays_request(request, built_in_tasks())
        if today.name != request.name:
            note(f"{request.name} is {today.name} in lighteval")
        if today.name.split(":", 1)[0] in GENERATIVE_NOW:
            note(
                f"warning: {today.name} generates an answer and matches it in today's lighteval; where log-likelihoods "
                f"of the choices are meant, as on older leaderboards: lm_eval_vllm_uv.py "
                + option_words("--tasks", today.name)
            )
        if today.name.split(":", 1)[0] == RUNS_CODE:
            if sandbox != "local":
                raise ScriptError(
                    f"{today.name} runs programs that the model writes: --sandbox local runs them on this machine with "
                    "your rights; use a machine that you can lose, for instance a job"
                )
            forks_without_secrets()
            note(f"warning: {today.name} runs programs that the model writes, on this machine and with your rights")
        named.append(today)
    return list(dict.fromkeys(named))


def modules_for(requests: Sequence[TaskRequest], custom: Path | None, trusted: bool = False) -> list[str]:
    """lighteval's modules that hold the tasks asked for; ScriptError with the nearest names for an unknown one, and for
    one that runs a program of the Hub.

    Only these are imported: lighteval's registry imports all, some of which download things or ask the Hub for models.
    """
    allow_programs(trusted, None)
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
        if any(not_allowed(programs_of_module(module)) for module in found):
            raise refused_program(request.name)
        code = code_of(file for module in sorted(found) for file in module_files(module))
        say_services(request.name, code, CLIENT_MODEL)
        modules += sorted(found)
    return list(dict.fromkeys(modules))


def import_task_file(path: Path) -> dict[str, Any]:
    """The task configurations of a user's file."""
    from lighteval.tasks.registry import Registry

    try:
        with sources_only():
            module = Registry.create_custom_tasks_module(str(path))
        table = list(module.TASKS_TABLE)
    except Exception as error:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        raise ScriptError(f"--custom-tasks {path}{f':{lines[-1]}' if lines else ''}: {explain(error)}") from error
    names = [config.name for config in table]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise ScriptError(f"--custom-tasks {path}: TASKS_TABLE has {twice} twice: rename one")
    for config in table:  # a folder beside the file is meant, wherever the command is given
        if (path.parent / config.hf_repo).is_dir():
            config.hf_repo = str(plain_path(path.parent / config.hf_repo))
    return {config.name: config for config in table}


def load_lighteval_tasks(requests: Sequence[TaskRequest], modules: Sequence[str], custom: Path | None) -> list[Task]:
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
            if os.path.lexists(str(name)):
                raise ScriptError(
                    f"--tasks: {name}: the current folder has a file of this name, which lighteval would read as a "
                    "list of other tasks: run the command from another folder",
                    code=3,
                )
            try:
                found |= registry.Registry(tasks=str(name)).load_tasks()
            except ValueError as error:
                raise ScriptError(f"--tasks: {name}: {error}") from error
        for name, source in found.items():
            mine = source.config.name in own
            if not (mine and lie_here([custom])):
                refuse_stand_in(source.config.hf_repo)
            task = Task(name, request, len(found), source, dataset_of(source.config), own=mine)
            tasks.setdefault(name, task)
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
    """Load a task's items and choose their few-shot examples, once: lighteval shuffles them anew each time."""
    from lighteval.tasks.lighteval_task import LightevalTask

    if task.docs is not None:
        return
    seed_everything(settings.seed)
    source = task.source
    with asked_by(task.own):
        source.dataset = LightevalTask.download_dataset_worker(source)
    items = source.eval_docs()
    task.total = len(items)
    names = {id(doc): name for doc, name in zip(items, name_items(items, source.dataset, task.dataset), strict=True)}
    if task.own:
        check_golds(task.title, [(names[id(doc)], why_no_gold(doc)) for doc in items])
        weighed = "LOGPROBS" in str(source.sampling_methods) and not settings.use_chat_template
        say_missing_spaces(task.title, [(doc.query, str(doc.choices[0])) for doc in items if weighed and doc.choices])
    docs = source.get_docs(settings.limit)
    task.sample_ids = [names[id(doc)] for doc in docs]
    task.revision = source.config.hf_revision or dataset_revision(source.dataset)
    task.docs = docs


def why_no_gold(doc: Any) -> str | None:
    """Why an item's gold_index names none of its choices; None when it does."""
    return why_no_choice(doc.gold_index, doc.choices) if doc.choices else NO_ANSWER


def check_own_tasks(tasks: Sequence[Task], settings: Settings) -> None:
    """Make the items of the user's own tasks before a model is loaded; ScriptError by row where answers are broken."""
    for task in tasks:
        if task.own and not task.questions:
            try:
                build_docs(task, settings)
            except ScriptError:
                raise
            except Exception:  # becomes a failure of this task alone
                continue


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


def lighteval_plan_row(task: Task, repeats: int) -> dict[str, Any]:
    """A task in the plan; numbers are unknown for a data set that is not here yet."""
    docs = task.docs
    # At most: choices of a single token need one request together with vLLM, which only the tokenizer can tell.
    requests = sum(len(doc.choices or []) if "LOGPROBS" in str(doc.sampling_methods) else 1 for doc in docs or [])
    return {
        "task": task.name,
        "data set": task.dataset.path or task.dataset.repo,
        "split": ",".join(task.dataset.splits),
        "items": len(docs) if docs is not None else "not downloaded",
        "requests": requests * repeats if docs is not None else None,
        "metrics": ",".join(str(metric.metric_name) for metric in task.source.metrics),
    }
