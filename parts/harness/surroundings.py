"""The current folder may be a stranger's: what harnesses take from it by themselves (git, `.env`) is not taken."""

from __future__ import annotations

import ast
import contextlib
import functools
import hashlib
import importlib
import importlib.machinery
import inspect
import io
import os
import pickle
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from parts.frame import ScriptError, note, single_line
from parts.harness.named_places import (
    PACKED,
    PLACE_ELSEWHERE,
    leads_from_card,
    leads_out,
    of_data_sets,
    places_named,
)
from parts.hashes import HIDDEN_CARD, data_set_files, file_sha256
from parts.hub.answers import keep_token_home
from parts.libraries import refuse_libraries
from parts.names import HUB_ID, REPO_ID
from parts.outgoing import SECRET_VARIABLE, TOKEN_VARIABLES
from parts.private import shown_path

# Each of these would let a repository's own settings or hooks name a program that git then runs.
GIT_SETTINGS = {"core.fsmonitor": "false", "core.hooksPath": os.devnull, "safe.bareRepository": "explicit"}
# Functions of inspect-ai that run git in the current folder and load the `.env` of it or of a folder above.
READ_BY_INSPECT = (("inspect_ai._util.git", "git_context"), ("inspect_ai._util.dotenv", "init_dotenv"))

HARNESS_PACKAGES = {"lighteval", "lm_eval", "inspect_ai", "inspect_evals", "livebench"}


def wall_off_folder() -> None:
    """Tell git and python-dotenv, here and in children, to take nothing that runs; before a harness is imported."""
    refuse_libraries()
    os.environ |= {"PYTHON_DOTENV_DISABLED": "1", "GIT_NO_LAZY_FETCH": "1"}
    count = os.environ.get("GIT_CONFIG_COUNT", "")
    first = int(count) if count.isdecimal() else 0
    for place, (name, value) in enumerate(GIT_SETTINGS.items(), first):
        os.environ |= {f"GIT_CONFIG_KEY_{place}": name, f"GIT_CONFIG_VALUE_{place}": value}
    os.environ["GIT_CONFIG_COUNT"] = str(first + len(GIT_SETTINGS))
    guard_pickles()
    guard_imports()


class PlainValues(pickle.Unpickler):
    """Reads texts, numbers, lists and mappings of a pickle, and refuses whatever would call something."""

    def find_class(self, module: str, name: str) -> Any:
        raise ScriptError(
            f"the task's data holds a pickle that would run {single_line(f'{module}.{name}')[:80]}: it is not loaded"
        )


def of_harness(frame: Any) -> bool:
    """Whether the code of a frame belongs to a harness, and is not the user's own."""
    module = str(frame.f_globals.get("__name__")).partition(".")[0]
    return not HARNESS_PACKAGES.isdisjoint((module, *Path(frame.f_code.co_filename).parts))


def guard_pickles() -> None:
    """Let no harness run what a pickle says: to load one is to run it.

    tiny_benchmarks of lighteval loads one by a path of the current folder, which it has put elsewhere: refused. Its lcb
    has one in each row of its data set, which holds a text: nothing else than plain values is read from there.
    """
    load, loads = pickle.load, pickle.loads
    if hasattr(load, "__wrapped__"):
        return

    @functools.wraps(loads)
    def guarded_loads(data: Any, /, **more: Any) -> Any:
        return PlainValues(io.BytesIO(data), **more).load() if of_harness(sys._getframe(1)) else loads(data, **more)

    @functools.wraps(load)
    def guarded_load(file: Any, *rest: Any, **more: Any) -> Any:
        name = getattr(file, "name", None)
        if isinstance(name, str) and not os.path.isabs(name) and of_harness(sys._getframe(1)):
            raise ScriptError(
                f"{single_line(name)}: a task loads this file of the current folder, and it can run any code: run the "
                "command from another folder",
                code=3,
            )
        return load(file, *rest, **more)

    pickle.load, pickle.loads = guarded_load, guarded_loads


def drop_secrets() -> None:
    """Take tokens and keys out of the environment of this process."""
    for name in list(filter(SECRET_VARIABLE.search, os.environ)):
        del os.environ[name]


@functools.cache
def forks_without_secrets() -> None:
    """From now on no forked child has tokens and keys in its environment: harnesses run a model's programs in such."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=drop_secrets)


def let_programs_import() -> None:
    """Give the programs of inspect's local sandbox their own folder, a fresh one, to import from, as Python has it.

    Children take nothing from the current folder otherwise (`children_apart`): here that would be another measurement.
    Tokens and keys are not handed on to what a model wrote.
    """
    from inspect_ai.util._sandbox.local import LocalSandboxEnvironment

    run = LocalSandboxEnvironment.exec
    if hasattr(run, "__wrapped__"):
        return

    @functools.wraps(run)
    async def importing(
        self: Any, cmd: Any, input: Any = None, cwd: Any = None, env: Any = None, *more: Any, **named: Any
    ) -> Any:
        secrets = {name: "" for name in os.environ if SECRET_VARIABLE.search(name)}
        return await run(self, cmd, input, cwd, {"PYTHONSAFEPATH": ""} | secrets | (env or {}), *more, **named)

    LocalSandboxEnvironment.exec = importing


def containers_without_secrets(own_task: bool) -> None:
    """Hand no token of the Hub to Docker, whose containers are made as a task says; nor another secret, unless a task
    of the user's own is among them."""
    import inspect_ai.util._sandbox.docker.compose as docker

    run = getattr(docker.run_subprocess, "__wrapped__", docker.run_subprocess)

    @functools.wraps(run)
    async def without_secrets(*words: Any, env: Any = None, **named: Any) -> Any:
        kept = {name for name in os.environ if own_task and name not in TOKEN_VARIABLES}
        secrets = {name: "" for name in os.environ if SECRET_VARIABLE.search(name) and name not in kept}
        return await run(*words, env=secrets | (env or {}), **named)

    docker.run_subprocess = without_secrets


def keep_inspect_out_of_folder() -> None:
    """Empty the functions of inspect-ai that read the current folder; where they are not as known, git finds nothing.

    The wall alone would not do: a repository's attributes may name a filter, and a `.env` the folder of logs.
    """
    for module, name in READ_BY_INSPECT:
        try:
            # The function itself is emptied, since other modules have imported it by name.
            getattr(importlib.import_module(module), name).__code__ = (lambda *_, **__: None).__code__
        except (ImportError, AttributeError, ValueError):
            os.environ["GIT_DIR"] = os.devnull


class DataLoads:
    """What is known while data sets are loaded: whether a task of the user's own asks, and for which local folder.

    near: folders that rows may name files in, beside the caches of data sets: of a task's file, and local data sets.
    repo: the data set of the Hub whose card says which files it has; repos: those that were loaded, whose rows may name
    files of these alone.
    programs: metrics of the Hub that may run here; None: any. refused: what was refused, whoever hid the error.
    """

    own_task = False
    folder: Path | None = None
    near: set[str] = set()  # noqa: RUF012 - one for all
    repo: str | None = None
    repos: set[str] = set()  # noqa: RUF012 - as near
    programs: frozenset[str] | None = frozenset()
    refused: ScriptError | None = None


@contextlib.contextmanager
def asked_by(own_task: bool, file: str | os.PathLike | None = None) -> Iterator[None]:
    """While open, what is loaded is asked for by a task of the user's own (in a file), or by one of a harness's.

    A harness's task means a data set of the Hub, or its copy in the cache: never what has its name in this folder.
    """
    guard_loading()
    if file:
        DataLoads.near.add(os.path.realpath(os.path.dirname(os.path.abspath(file))))
    before, DataLoads.own_task, DataLoads.refused = DataLoads.own_task, own_task, None
    try:
        yield
    finally:
        DataLoads.own_task, refused, DataLoads.refused = before, DataLoads.refused, None
        if refused:  # whatever became of the error: lm-eval goes on without a metric that could not be loaded
            raise refused


def refuse_stand_in(name: object) -> None:
    """ScriptError (3) where a relative path of the current folder would take the place of what the Hub has."""
    text = os.fspath(name) if isinstance(name, str | os.PathLike) else ""
    if text and not DataLoads.own_task and not os.path.isabs(text) and os.path.exists(text):
        raise ScriptError(
            f"{single_line(text)}: the current folder has this, and it would be taken for the data set, metric or "
            "model of the Hub that a task asks for: run the command from another folder, or move it away; where it is "
            "meant, name it by its full path in a task file of your own",
            code=3,
        )


def lie_here(files: Iterable[Path]) -> bool:
    """Whether task files of the user's own lie in the current folder, so that a relative path in them may mean it."""
    return all(Path(os.path.realpath(file)).is_relative_to(os.path.realpath(os.curdir)) for file in files)


def refused_file(folder: Path, pattern: str, how: str = "its card names") -> ScriptError:
    """The error for what the card of a local data set names."""
    return ScriptError(
        f"{shown_path(folder)}: {how} {single_line(pattern)[:100]}, which leads out of that folder, or to a "
        "hidden file: a data set's files are read from the folder alone that a task names, where its hash covers them"
    )


def own_places(folder: Path) -> list[Path]:
    """Where the files of a local data set lie; those of a copy of the Hub's client, which are links, beside it."""
    return [folder, *([folder.parent.parent / "blobs"] if folder.parent.name == "snapshots" else [])]


def refuse_links_out(folder: Path) -> None:
    """ScriptError for a link out of a local data set's folder: some forms of data sets read files that nobody names."""
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for link in filter(os.path.islink, (os.path.join(place, name) for name in (*folders, *files))):
            hidden = os.path.basename(link).startswith(".")
            if not hidden and not any(Path(link).resolve().is_relative_to(root) for root in own_places(folder)):
                raise refused_file(folder, os.path.relpath(link, folder), "holds a link,")


def content_place(path: str, files: Any) -> str | None:
    """The name of a cache for local data: by what is in its files and cards, and where; None where none is local."""
    cards = [os.path.join(path, name) for name in ("README.md", HIDDEN_CARD, "dataset_infos.json")]
    named = set(data_file_names(files))  # Harbor's text lies beside the file that is named
    named |= {os.path.join(os.path.dirname(name), "instruction.md") for name in named if name.endswith("task.toml")}
    read = sorted(os.path.abspath(name) for name in named if os.path.isfile(name))
    lines = [f"{file_sha256(Path(name))}  {name}\n" for name in (*read, *filter(os.path.isfile, cards))]
    return hashlib.sha256("".join(lines).encode()).hexdigest()[:32] if read else None


@functools.cache
def named_on_hub(name: str) -> str:
    """The Hub's own name of a data set of old without an owner, "wmt16": the client reads no file of the old one."""
    from huggingface_hub import HfApi

    with contextlib.suppress(Exception):  # each HTTP library has its own; what cannot be asked is left to the loader
        found = HfApi().dataset_info(name).id
        return found if REPO_ID.fullmatch(found) else name
    return name


def guard_loading() -> None:
    """Put three rules into the libraries: no stand-in for the Hub's, no file of a local data set from outside of it or
    of those that its hash does not cover, and no copy in the cache that was made of other bytes.
    """
    import datasets
    import datasets.data_files
    import datasets.load
    from huggingface_hub import constants

    keep_token_home()  # data sets are loaded by the Hub's client
    build, resolve = datasets.load.load_dataset_builder, datasets.data_files.resolve_pattern
    if hasattr(resolve, "guarded"):
        return
    places = list(inspect.signature(build).parameters)[1:]

    @functools.wraps(build)
    def guarded_build(path: str, *rest: Any, **more: Any) -> Any:
        packaged = path in getattr(datasets.load, "_PACKAGED_DATASETS_MODULES", ())  # "json", "csv": of files
        more |= dict(zip(places, rest, strict=False))
        for name in [more.get("data_dir"), *data_file_names(more.get("data_files"))] if packaged else [path]:
            refuse_stand_in(name)
        path = path if packaged or "/" in path or os.path.exists(path) else named_on_hub(path)
        named = more.get("data_dir") or more.get("data_files")  # by the task itself
        local = not packaged and not named and os.path.isdir(path)
        if local:
            refuse_links_out(Path(path).resolve())
        before = DataLoads.folder, DataLoads.repo
        DataLoads.folder = Path(path).resolve() if local else None
        DataLoads.repo = None if packaged or named or os.path.exists(path) else path
        DataLoads.repos |= {path} if not packaged else repos_named(more.get("data_files"))
        DataLoads.near |= {os.path.realpath(name) for name in (path, more.get("data_dir")) if os.path.isdir(name or "")}
        try:
            found = build(path, **more)
            if place := content_place(path, found.config.data_files):
                root = more.get("cache_dir") or datasets.config.HF_DATASETS_CACHE
                found = build(path, **more | {"cache_dir": os.path.join(root, "by_content", place)})
            return found
        finally:
            DataLoads.folder, DataLoads.repo = before

    @functools.wraps(resolve)
    def guarded_resolve(pattern: str, base_path: str, *rest: Any, **more: Any) -> list[str]:
        folder = DataLoads.folder
        if folder and any(sign in text for sign in ("://", "::") for text in (pattern, str(base_path))):
            raise refused_file(folder, pattern)  # an address, or a file in an archive: before it is asked for
        if DataLoads.repo and leads_from_card(pattern, DataLoads.repo, constants.ENDPOINT):
            raise refused_file(Path(DataLoads.repo), pattern)
        found = resolve(pattern, base_path, *rest, **more)
        if folder and found:
            roots = own_places(folder)
            hashed = {file.resolve() for file in data_set_files(folder)}
            for file in map(Path, found):
                if file.resolve() not in hashed or not any(file.resolve().is_relative_to(root) for root in roots):
                    raise refused_file(folder, pattern)
        return found

    read = datasets.Dataset.load_from_disk

    @functools.wraps(read)
    def guarded_read(dataset_path: Any, *rest: Any, **more: Any) -> Any:
        refuse_stand_in(dataset_path)
        return read(dataset_path, *rest, **more)

    datasets.Dataset.load_from_disk = staticmethod(guarded_read)
    guarded_resolve.guarded = True
    datasets.data_files.resolve_pattern = guarded_resolve
    datasets.load.load_dataset_builder = datasets.load_dataset_builder = guarded_build
    for kind in filter(lambda kind: hasattr(kind, "embed_storage"), vars(datasets.features).values()):
        kind.decode_example = reads_no_file_elsewhere(kind.decode_example)
        kind.embed_storage = reads_no_file_elsewhere(kind.embed_storage)
    guard_imports()


def reads_no_file_elsewhere(read: Any) -> Any:
    """A feature's reader (of a picture, a sound, a document, or of all in a table) that reads no file by its name
    unless the file may be named; the data say themselves, and a Parquet file does, that a column is one of these.
    """

    @functools.wraps(read)
    def guarded(self: Any, value: Any, *rest: Any, **more: Any) -> Any:
        named = [value] if isinstance(value, str) else []
        if isinstance(value, dict):
            named = [value.get("path")] if value.get("bytes") is None else []
        elif hasattr(value, "filter") and hasattr(value, "field"):
            named = value.filter(value.field("bytes").is_null()).field("path").to_pylist()
        for name in filter(None, named):
            refuse_row_file(name)
        return read(self, value, *rest, **more)

    return guarded


def refuse_row_file(name: str) -> None:
    """ScriptError (3) for a file that a row names and that is neither of a data set that was loaded nor of the task."""
    import datasets
    from huggingface_hub import constants

    *hops, last = name.split("::")
    places = [last, *(hop for hop in hops if not hop.startswith(PACKED))]
    elsewhere = [
        place
        for place in places
        if PLACE_ELSEWHERE.match(place) and not of_data_sets(place, DataLoads.repos, constants.ENDPOINT)
    ]
    caches = [constants.HF_HUB_CACHE, datasets.config.HF_DATASETS_CACHE]  # the token lies above them
    near = [*DataLoads.near, *map(os.path.realpath, caches)]
    if elsewhere or any(leads_out(place, near) for place in places_named(name, "")):
        DataLoads.refused = ScriptError(
            f"a row of the task's data names {single_line(name)[:100]} in the place of a picture's, sound's or "
            "document's bytes: it would be read from there and shown to the model; nothing was read",
            code=3,
        )
        raise DataLoads.refused


def allow_programs(trusted: bool, sandbox: str | None) -> None:
    """Which metrics of the Hub, which are programs, may run from now on: all for --trust-remote-code.

    For --sandbox local the one that runs the programs that a model wrote.
    """
    if sandbox == "local":
        forks_without_secrets()
    DataLoads.programs = None if trusted else frozenset({"code_eval"} if sandbox == "local" else ())


def refused_program(what: str) -> ScriptError:
    """The error for a task whose metric is a program of the Hub, which nobody allowed."""
    return ScriptError(
        f"{what} runs a program of the Hub as its metric (`evaluate.load`), here and with your rights: "
        "--trust-remote-code lets it; do that on a machine that holds nothing else, or take another task"
    )


def loaded_programs(source: str, wanted: str | None = None) -> set[str]:
    """The metrics that a module's code asks `evaluate.load` for: when it is imported, and in a function or class.

    wanted: that function alone, with those of the module that it names; None: all of them.
    """
    tree = ast.parse(source)
    imported = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    modules = {one.asname or one.name for node in imported for one in node.names if one.name == "evaluate"}
    names = {
        one.asname or one.name
        for node in imported
        if getattr(node, "module", "") == "evaluate"
        for one in node.names
        if one.name in ("load", "combine")
    }
    blocks = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    waiting: list[ast.AST] = [node for node in tree.body if node not in blocks.values()]
    waiting += [block for name, block in blocks.items() if wanted in (None, name)]
    found, seen = set(), set()
    while waiting:
        for node in ast.walk(waiting.pop()):
            if isinstance(node, ast.Name) and node.id in blocks and node.id not in seen:
                seen.add(node.id)
                waiting.append(blocks[node.id])
            called = getattr(node, "func", None)
            place = called.value if isinstance(called, ast.Attribute) and called.attr in ("load", "combine") else None
            if getattr(place, "id", None) in modules or getattr(called, "id", None) in names:
                asked = node.args[0] if node.args else None
                found.add(str(asked.value) if isinstance(asked, ast.Constant) else "?")
    return found


def not_allowed(programs: Sequence[str] | set[str]) -> bool:
    """Whether one of some metrics of the Hub may not run here."""
    return DataLoads.programs is not None and not set(programs) <= DataLoads.programs


def guard_metrics(loading: Any) -> None:
    """Two rules for metrics, which are programs: no stand-in, and none of the Hub that a harness's task asks for unless
    that was allowed, be it in the cache already. For the module `evaluate.loading`.
    """
    find = loading.evaluation_module_factory

    @functools.wraps(find)
    def guarded_find(path: str, *rest: Any, **more: Any) -> Any:
        name = path.rstrip("/").rpartition("/")[2]
        program = os.path.join(path, f"{name}.py")
        if not path.endswith(".py"):  # that would be said to be a file
            refuse_stand_in(program)
            frame = sys._getframe(1)
            while frame and "evaluate" in Path(frame.f_code.co_filename).parts:
                frame = frame.f_back
            if not os.path.exists(program) and frame and of_harness(frame) and not_allowed([path]):
                DataLoads.refused = refused_program(f"a task's {single_line(path)[:100]}")
                raise DataLoads.refused
            note(f"the task's metric {single_line(path)[:100]} is a program of the Hub, and runs here (SECURITY.md)")
        return find(path, *rest, **more)

    loading.evaluation_module_factory = guarded_find


def guard_models(hub: Any) -> None:
    """The rule of stand-ins for models that a metric loads: for the module `transformers.utils.hub`.

    The models that are measured are named by whole paths.
    """
    find = hub.cached_files

    @functools.wraps(find)
    def guarded_files(path_or_repo_id: Any, *rest: Any, **more: Any) -> Any:
        if HUB_ID.fullmatch(os.fspath(path_or_repo_id or "")):
            refuse_stand_in(path_or_repo_id)
        return find(path_or_repo_id, *rest, **more)

    hub.cached_files = guarded_files


GUARDED_MODULES = {"evaluate.loading": guard_metrics, "transformers.utils.hub": guard_models}


class ImportGuard:
    """Guards modules once somebody imports them: a plan, which needs no metric, is made without torch."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name not in GUARDED_MODULES:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec and spec.loader:
            run = spec.loader.exec_module

            def exec_module(module: Any) -> None:
                run(module)
                GUARDED_MODULES[name](module)

            spec.loader.exec_module = exec_module
        return spec


def guard_imports() -> None:
    """Put the ImportGuard in its place, once, and guard what has been imported already."""
    if any(isinstance(finder, ImportGuard) for finder in sys.meta_path):
        return
    sys.meta_path.insert(0, ImportGuard())
    for name in GUARDED_MODULES.keys() & sys.modules.keys():
        GUARDED_MODULES[name](sys.modules[name])


def repos_named(files: Any) -> set[str]:
    """The data sets of the Hub whose files a task's own `data_files` names by their addresses."""
    found = (re.match(r"hf://datasets/([\w.-]+/[\w.-]+)", name) for name in data_file_names(files))
    return {match[1] for match in found if match}


def data_file_names(files: Any) -> Iterator[str]:
    """The names in what `load_dataset` takes as data_files: a text, or lists and mappings of them."""
    if isinstance(files, str | os.PathLike):
        yield os.fspath(files)
    elif isinstance(files, dict | list | tuple):
        for part in files.values() if isinstance(files, dict) else files:
            yield from data_file_names(part)
