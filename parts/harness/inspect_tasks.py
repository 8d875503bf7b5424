"""inspect's tasks: listings, files, packages, what they need, the facts of their data sets."""

from __future__ import annotations

import ast
import contextlib
import difflib
import functools
import hashlib
import importlib.util
import os
import random
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from parts.embedded import embedded
from parts.frame import ScriptError, note, single_line
from parts.harness.evaluated import guard_evaluation
from parts.harness.golds import check_golds, why_no_letter, why_no_text
from parts.harness.inspect_rows import guard_columns, refuse_files_elsewhere, refuse_private_volumes
from parts.harness.inspect_vocabulary import RequestedTask
from parts.harness.services import code_of, say_services
from parts.harness.settings import Settings
from parts.harness.surroundings import DataLoads, asked_by, refuse_stand_in
from parts.harness.task_writes import CONTAINER_FILE, guard_task_writes
from parts.harness.vocabulary import Dataset, Task
from parts.hashes import code_sha256, data_sha256, file_sha256, plain_path, sources_only
from parts.hub.token import lent_to_client
from parts.inputs import input_text
from parts.names import SPLIT_FILES
from parts.private import scrub, shown_path

# Of inspect_evals: a solver calls `exec` with the model's file; the package of the scorer runs the model's answers.
RUN_HERE = {"gdm_self_reasoning_max_tokens", "livebench"}
# Of metric_mapping.json: canonical key -> inspect's name.
INSPECT_TASKS = embedded("../metric_mapping.json", "inspect")
LOADED_DATASETS: list[dict[str, Any]] = []  # the data sets of the Hub that tasks have loaded


def exported_names(source: str) -> dict[str, str]:
    """The names that a package's registry imports, and the module of each: `from a.b import c` -> {"c": "a.b"}."""
    found = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {alias.asname or alias.name: node.module for alias in node.names}
    return found


def decorated_tasks(source: str) -> list[str]:
    """The tasks that a file defines with inspect's @task, read without running it: `@task(name="x")` -> x."""
    names = []
    for node in ast.walk(ast.parse(source)):
        for decorator in getattr(node, "decorator_list", []):
            call = decorator.func if isinstance(decorator, ast.Call) else decorator
            if ast.unparse(call).split(".")[-1] != "task" or not isinstance(node, ast.FunctionDef):
                continue
            keywords = decorator.keywords if isinstance(decorator, ast.Call) else []
            given = [
                word.value.value for word in keywords if word.arg == "name" and isinstance(word.value, ast.Constant)
            ]
            names.append(str(given[0]) if given else node.name)
    return names


def inspect_task(text: str, catalog: Mapping[str, str]) -> RequestedTask:
    """A task of inspect_evals by its name there, bare or with `inspect_evals/`, or by its canonical key.

    "gsm8k" -> inspect_evals/gsm8k    "mmlu" -> inspect_evals/mmlu_0_shot    "inspect_evals/mmlu_5_shot" -> itself
    """
    name = INSPECT_TASKS.get(text, text).removeprefix("inspect_evals/")
    if name not in catalog:
        known = [*INSPECT_TASKS, *catalog]
        close = difflib.get_close_matches(text.removeprefix("inspect_evals/"), known, n=5, cutoff=0.5)
        close = (
            list(dict.fromkeys(close)) or sorted(known_name for known_name in known if text.lower() in known_name)[:5]
        )
        hint = f"did you mean {', '.join(close)}?" if close else "see --list-tasks"
        raise ScriptError(f"--task: no task {text!r} in inspect_evals: {hint} (a task of your own: file.py@name)")
    return RequestedTask(text, f"inspect_evals/{name}", catalog[name])


def inspect_catalog() -> dict[str, str]:
    """The tasks of inspect_evals and their modules, read from its source in a blink."""
    return exported_names((inspect_evals_folder() / "_registry.py").read_text(encoding="utf-8"))


def inspect_evals_folder() -> Path:
    spec = importlib.util.find_spec("inspect_evals")
    if spec is None or not spec.submodule_search_locations:
        raise ScriptError("inspect_evals is not installed: start this script with `uv run`, which brings it")
    return Path(next(iter(spec.submodule_search_locations)))


def task_folder(request: RequestedTask) -> Path:
    return inspect_evals_folder().joinpath(*(request.module or "").split(".")[1:])


def task_code(request: RequestedTask) -> str:
    """The code of one of inspect_evals' tasks."""
    return code_of(task_folder(request).glob("*.py"))


def listing_entry(request: RequestedTask) -> dict[str, Any]:
    """What inspect_evals says of one of its tasks before it is loaded.

    gsm8k -> {"samples": 1319, "repeats": 1, "sandbox": False, "data": "openai/gsm8k"}; what it does not say is None.
    """
    import yaml

    try:
        text = (task_folder(request) / "eval.yaml").read_text(encoding="utf-8") if request.module else ""
        listing = yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError):
        listing = None
    if not isinstance(listing, dict):
        return {"samples": None, "repeats": None, "sandbox": False, "data": None}
    assets = [row for row in listing.get("external_assets") or [] if row.get("type") == "huggingface"]
    rows = {row.get("name"): row for row in listing.get("tasks") or []}
    return {
        "samples": rows.get(request.name.split("/")[-1], {}).get("dataset_samples"),
        "repeats": None if re.search(r"\bepochs\s*=", task_code(request)) else 1,
        "sandbox": bool((listing.get("metadata") or {}).get("sandbox")),
        "data": ", ".join(str(row["source"]) for row in assets if row.get("source")) or None,
    }


def file_tasks(text: str) -> list[RequestedTask]:
    """The task that `file.py@name` means, or all tasks of `file.py`; the file is read, not run."""
    place, _, name = text.partition("@")
    path = Path(place).expanduser()
    try:
        names = decorated_tasks(input_text(path))
    except (OSError, UnicodeDecodeError) as error:
        raise ScriptError(f"--task {place}: {getattr(error, 'strerror', None) or error}") from error
    except SyntaxError as error:
        raise ScriptError(f"--task {place}:{error.lineno}: {error.msg}") from error
    if not names:
        raise ScriptError(f"--task {place}: no function in it has inspect's @task")
    if name and name not in names:
        close = difflib.get_close_matches(name, names, n=4, cutoff=0.4) or names[:4]
        raise ScriptError(f"--task {place} has no task {name!r}: did you mean {', '.join(close)}?")
    return [RequestedTask(text, found, file=path) for found in ([name] if name else names)]


def requested_tasks(texts: Sequence[str]) -> list[RequestedTask]:
    """The tasks asked for, each once, in the order given; ScriptError with the nearest names for an unknown one."""
    found: dict[str, RequestedTask] = {}
    catalog: dict[str, str] = {}
    for text in texts:
        if re.search(r"\.py(@|$)", text):
            requests = file_tasks(text)
        else:
            catalog = catalog or inspect_catalog()
            requests = [inspect_task(text, catalog)]
        for request in requests:
            other = found.setdefault(request.name, request)
            if other.file != request.file:
                raise ScriptError(f"--task: {request.name} is in {other.file} and in {request.file}: rename one")
    shown = [f"{request.asked} is {request.name}" for request in found.values() if request.asked in INSPECT_TASKS]
    if shown:
        note(f"tasks: {', '.join(shown)}")
    return list(found.values())


def check_sandbox(requests: Sequence[RequestedTask], sandbox: str | None) -> None:
    """Refuse tasks that run the model's code without --sandbox; say what `local` means."""
    running = [request.name for request in requests if request.module and listing_entry(request)["sandbox"]]
    if running and not sandbox:
        raise ScriptError(needs_sandbox(running[0]))
    here = next((row.name for row in requests if row.module and row.name.rpartition("/")[2] in RUN_HERE), None)
    if here and sandbox != "local":
        raise ScriptError(
            f"{here} runs a program that the model wrote outside of the sandbox, on this machine and with your rights: "
            "--sandbox local says that this is meant; use a machine that holds nothing else"
        )
    if sandbox == "local":
        note(
            "warning: --sandbox local: code that the model writes runs on this machine with your rights: it can read, "
            "change and send your files and tokens; use a machine that holds nothing else, or --sandbox docker"
        )


def say_other_models(requests: Sequence[RequestedTask]) -> None:
    """Say what the code of the packages' tasks asks of other services."""
    for request in requests:
        if request.module:
            say_services(request.name, task_code(request))


def needs_sandbox(name: str) -> str:
    return (
        f"{name} runs code that the model writes: add --sandbox docker (Docker must run here), or --sandbox local, "
        "which runs it on this machine without any protection"
    )


def refuse_own_containers() -> None:
    """ScriptError (3) where the current folder, which may be a stranger's, would say how the sandbox is built.

    inspect looks there for the container of a task that comes from a package.
    """
    for name in os.listdir():
        if CONTAINER_FILE.fullmatch(name):
            raise ScriptError(
                f"{single_line(name)}: the current folder has this, and Docker would build the sandbox of a harness's "
                "task by it: run the command from another folder",
                code=3,
            )


def load_task(request: RequestedTask, sandbox: str | None) -> Task:
    """A task with its items, its data set downloaded; `error` says why it could not be loaded."""
    before = len(LOADED_DATASETS)
    watch_datasets()
    guard_task_writes()
    guard_evaluation(sandbox)
    guard_columns(sandbox)
    try:
        with asked_by(own_task=bool(request.file), file=request.file):
            source = load_from_file(request) if request.file else load_from_package(request)
    except Exception as error:
        if isinstance(error, ScriptError) and error.code == 3:
            raise
        return Task(request.name, request, error=f"it could not be loaded: {explain_inspect(error)}")
    needs = [source.sandbox, *(getattr(sample, "sandbox", None) for sample in source.dataset)]
    if any(needs) and not sandbox:
        raise ScriptError(needs_sandbox(request.name))
    if not request.file and sandbox == "docker":
        refuse_own_containers()
        refuse_private_volumes(request.name, needs)
    refuse_files_elsewhere(request, source.dataset)
    if request.file:
        check_golds(request.name, [(str(sample.id), why_no_target(sample)) for sample in source.dataset])
    data, revision = dataset_facts(source.dataset, request, LOADED_DATASETS[before:])
    return Task(
        request.name,
        request,
        source=source,
        dataset=data,
        revision=revision,
        total=len(source.dataset),
        repeats=source.epochs or 1,
        items_sha256=items_sha256(source.dataset),
        file_sha256=code_sha256(request.file) if request.file else None,
        own=bool(request.file),
    )


def why_no_target(sample: Any) -> str | None:
    """What is wrong with the target of one of inspect's samples; None: nothing."""
    return why_no_letter(sample.target, sample.choices) if sample.choices else why_no_text(sample.target)


def load_from_package(request: RequestedTask) -> Any:
    with lent_to_client(aside=True):  # some write a token of the environment into what a container is made of
        module = importlib.import_module(request.module or "")
        return getattr(module, request.name.split("/")[-1])()


def load_from_file(request: RequestedTask) -> Any:
    """A task of a user's file; the file is run, in its own folder as inspect does it, once for all its tasks."""
    file = Path(os.path.abspath(request.file or ""))
    name = f"task_file_{hashlib.sha256(str(file).encode()).hexdigest()[:12]}"
    with contextlib.chdir(file.parent), sources_only():
        if name not in sys.modules:
            spec = importlib.util.spec_from_file_location(name, file)
            module = importlib.util.module_from_spec(spec)
            sys.modules[name] = module
            sys.path.insert(0, str(file.parent))
            spec.loader.exec_module(module)
            own = str(file.parent)  # from now on what is there hides no package that is imported later
            sys.path[:] = [*(place for place in sys.path if place != own), own]
        functions = [value for value in vars(sys.modules[name]).values() if callable(value)]
        return next(value for value in functions if registered_name(value) == request.name)()


def registered_name(function: Any) -> str | None:
    """The name under which inspect knows a task function, or None."""
    from inspect_ai.util import registry_info

    try:
        info = registry_info(function)
    except (ValueError, AttributeError):
        return None
    return info.name.split("/")[-1] if info.type == "task" else None


def watch_datasets() -> None:
    """Note which split and revision of a data set a task loads: inspect's log names the data set only."""
    import inspect_ai.dataset

    load = inspect_ai.dataset.hf_dataset
    if hasattr(load, "watched"):
        return

    @functools.wraps(load)
    def watched(path: str, split: str, *rest: Any, **more: Any) -> Any:
        refuse_stand_in(path)  # before a copy that inspect has kept
        DataLoads.repos.add(path)
        if Path(path).exists():
            plain_path(Path(path))
        if Path(path).exists() or "/" not in path:  # that copy is kept by the names of files, whatever is in them now
            more["cached"] = False
        dataset = load(path, split, *rest, **more)
        name = rest[0] if rest else more.get("name")
        row = {"repo": path, "split": split, "subset": name or more.get("data_dir"), "revision": more.get("revision")}
        LOADED_DATASETS.append(row | {"samples": len(dataset)})
        return dataset

    watched.watched = True
    inspect_ai.dataset.hf_dataset = watched


def dataset_facts(dataset: Any, request: RequestedTask, loaded: Sequence[dict[str, Any]]) -> tuple[Dataset, str | None]:
    """Where a task's items come from (a file here, a split of a data set on the Hub, the task itself), its revision."""
    location = str(dataset.location or "")
    base = request.file.parent if request.file else Path.cwd()
    if location and (base / location).is_file():
        path = Path(os.path.abspath(base / location))
        if path.stem in SPLIT_FILES:  # a folder of splits, as other harnesses read it
            return Dataset("", None, (path.stem,), shown_path(path.parent), data_sha256(path.parent)), None
        return Dataset(path=shown_path(path), sha256=file_sha256(path)), None
    rows = [row for row in loaded if row["repo"] == location]
    fitting = [row for row in rows if row["samples"] == len(dataset)] or rows
    sure = {}
    for name in ("split", "subset", "revision"):
        values = {row[name] for row in fitting}
        sure[name] = values.pop() if len(values) == 1 else None
    known = rows or re.fullmatch(r"[\w.-]+/[\w.-]+", location)
    split = (sure["split"],) if sure["split"] else ()
    return Dataset(location if known else "", sure["subset"], split), sure["revision"]


def items_sha256(dataset: Iterable[Any]) -> str:
    """One hash for the items of a task, in whatever order."""
    fields = {"id", "input", "target", "choices"}
    rows = sorted(sample.model_dump_json(include=fields) for sample in dataset)
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


def explain_inspect(error: BaseException) -> str:
    """One line for what went wrong while a task was loaded or run, with what to try."""
    text = scrub(" ".join(str(error).split()))[:300] or type(error).__name__
    kind = type(error).__name__
    if isinstance(error, ScriptError):
        return text
    if isinstance(error, ModuleNotFoundError | ImportError):
        return f"it needs another package ({text}): add it with `uv run --with PACKAGE`"
    if "HF_TOKEN environment variable" in text:
        return "it puts your token of the Hub into its container, which is not done (SECURITY.md): take another task"
    if "GatedRepo" in kind or "gated" in text.lower():
        return f"its data set is gated: accept the terms on its page on the Hub and set HF_TOKEN ({text[:160]})"
    if re.search(r"connect|resolve|offline|max retries|name resolution", text, re.IGNORECASE):
        return f"its data set could not be fetched, is the Hub in reach? ({kind}: {text[:200]})"
    return f"{kind}: {text}"


def load_tasks_here(requests: Sequence[RequestedTask], settings: Settings) -> list[Task]:
    """Load tasks with the same random numbers each time, so that two runs ask the same."""
    with contextlib.redirect_stdout(sys.stderr):
        tasks = []
        for request in requests:
            random.seed(settings.seed or 0)
            tasks.append(load_task(request, settings.sandbox))
        return tasks


def described_tasks(requests: Sequence[RequestedTask], settings: Settings) -> list[Task]:
    """Tasks for a plan: those of the user's files are loaded, those of inspect_evals stay as they are listed."""
    own = [request for request in requests if request.file]
    loaded = {task.name: task for task in (load_tasks_here(own, settings) if own else [])}
    return [loaded.get(request.name) or Task(request.name, request) for request in requests]
