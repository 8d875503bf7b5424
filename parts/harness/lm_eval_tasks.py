"""lm-eval's tasks: catalog, groups, custom YAML files, documents with stable ids."""

from __future__ import annotations

import collections
import contextlib
import fnmatch
import functools
import hashlib
import importlib.util
import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from parts.embedded import embedded
from parts.frame import ScriptError, natural_key, note
from parts.harness.evaluated import guard_evaluation
from parts.harness.golds import check_golds, say_missing_spaces, why_no_choice, why_no_text
from parts.harness.scores import nearest_tasks
from parts.harness.seed import dataset_revision, seed_everything
from parts.harness.services import CLIENT_MODEL, code_of, say_services
from parts.harness.settings import Settings
from parts.harness.surroundings import allow_programs, asked_by, lie_here, loaded_programs, not_allowed, refused_program
from parts.harness.vocabulary import ALL, Dataset, Task, TaskRequest
from parts.hashes import code_sha256, data_sha256, files_sha256, plain_path, sources_only
from parts.inputs import input_text
from parts.names import HUB_ID
from parts.private import explain, shown_path

FILE_FORMATS = {"json", "csv", "parquet", "text", "arrow", "pandas", "xml", "webdataset"}  # no data sets of the Hub

# A line of a task's YAML file that says what it defines: `task: gsm8k`, `"group": mmlu`, `tag:` with a list below.
YAML_KEY = re.compile(
    r"""^["']?(?P<key>task|group|tag|include|unsafe_code|class)["']?[ \t]*:[ \t]*(?P<value>.*)$""", re.M
)
YAML_LIST = re.compile(r"""^["']?tag["']?[ \t]*:[ \t]*(?:\#.*)?\n(?P<items>(?:[ \t]*-.*\n?)+)""", re.M)
YAML_NAME = re.compile(r"[\w.:+/-]+")
YAML_FUNCTION = re.compile(r"!function\s+[\"']?([\w.]+)\.(\w+)")
YAML_PROGRAM = re.compile(r"^[ \t-]*[\"']?hf_evaluate[\"']?[ \t]*:[ \t]*[\"']?true", re.M | re.I)

# Of metric_mapping.json: canonical key -> lm-eval's name.
LM_EVAL_TASKS = embedded("../metric_mapping.json", "lm_eval")


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
    question: dict[str, Any] | None = None  # what a samples file says of it, where that is known


@dataclass(frozen=True)
class Reply:
    """A model's answer to one of lm-eval's requests, once for each time that it was asked; how many were cut off."""

    responses: list[Any]
    truncated: int = 0
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


def parse_lm_eval_task(text: str) -> TaskRequest:
    """One task string.

    "gsm8k" -> gsm8k with its own number of examples    "gsm8k|5" -> gsm8k|5    "mmlu_*|0" -> mmlu_*|0
    """
    parts = [part.strip() for part in text.split("|")]
    if len(parts) > 2 or not parts[0] or (len(parts) == 2 and not re.fullmatch(r"\d{1,4}", parts[1])):
        raise ScriptError(f"--tasks: {text!r} is no task of lm-eval: write task or task|shots, for instance gsm8k|5")
    return TaskRequest(parts[0], int(parts[1]) if len(parts) == 2 else None)


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


def resolve_name(wanted: TaskRequest, catalog: dict[str, CatalogEntry]) -> list[TaskRequest]:
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


def tasks_sha256(path: Path) -> str:
    """One hash for the user's task file, or for all files of the folder of tasks."""
    if path.is_file():
        return code_sha256(path)
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
    refuse_doubles(files)
    return files


def refuse_doubles(files: Sequence[Path]) -> None:
    """ScriptError when two files of the user's define one task: which of them is measured would be chance."""
    known: dict[Path, dict[str, list[str]]] = {}
    seen: dict[str, Path] = {}
    for path in files:
        facts = file_facts(path, known)
        name = next(iter(facts.get("task", [])), "") if "group" not in facts and not inside_lm_eval(path) else ""
        if name and seen.setdefault(name, path) != path:
            raise ScriptError(f"task {name} is defined in {seen[name]} and in {path}: rename one, or name the file")


def inside_lm_eval(path: Path) -> bool:
    """Whether a file is one of lm-eval's own."""
    spec = importlib.util.find_spec("lm_eval")
    roots = spec.submodule_search_locations or () if spec else ()
    return any(path.is_relative_to(root) for root in roots)


def lm_eval_names(custom: str | None) -> tuple[set[str], set[str]]:
    """The names of lm-eval's tasks, groups and tags with the canonical keys, and those of them that stand for more."""
    own = custom_files(Path(custom).expanduser() if custom else None)
    catalog = read_catalog([*own, *yaml_files(tasks_folder())])
    return {*catalog, *LM_EVAL_TASKS}, {name for name, entry in catalog.items() if entry.kind != "task"}


@dataclass(frozen=True)
class Chosen:
    """Names of lm-eval that a task string stands for, and the folders whose YAML files define all that is in them.

    files: the user's own file of a name that is a task: that alone is loaded, whatever lies beside it.
    """

    request: TaskRequest
    names: tuple[str, ...]
    folders: tuple[Path, ...]
    files: dict[str, Path]


def choose_tasks(
    requests: Sequence[TaskRequest], custom: Path | None, sandbox: str | None, trusted: bool = False
) -> list[Chosen]:
    """Find all tasks before anything heavy is imported; ScriptError for an unknown one, and for one that runs code."""
    allow_programs(trusted, sandbox)
    guard_evaluation(sandbox)
    own = read_catalog(custom_files(custom))
    mine = set(own)
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
        packaged = {path.parent for name in below for path in own[name].files if inside_lm_eval(path)}
        code = code_of(file for folder in sorted(packaged) for file in folder.glob("*.py"))
        say_services(request.name, code, CLIENT_MODEL)
        tasks = [name for name in (row.name for row in found) if name in mine and own[name].kind == "task"]
        files = {name: own[name].files[0] for name in tasks}
        folders = {path.parent for name in below - files.keys() for path in own[name].files}
        refuse_doubles([path for folder in folders if mine & below - files.keys() for path in yaml_files(folder)])
        # Of two definitions of a name TaskManager takes the one that it reads last: the user's own.
        order = sorted(folders, key=lambda folder: (not folder.is_relative_to(tasks_folder()), folder))
        chosen.append(Chosen(request, tuple(row.name for row in found), tuple(order), files))
    return chosen


def refuse_code(entries: Iterable[CatalogEntry], sandbox: str | None) -> None:
    """Code that a model wrote is run only when that was asked for."""
    entries = list(entries)
    unsafe = [entry.name for entry in entries if entry.runs_code]
    if unsafe and sandbox is None:
        raise ScriptError(
            f"{unsafe[0]} runs code that the model wrote: --sandbox local runs it on this machine with your rights and "
            "without any isolation; do that in a container or on Hugging Face Jobs"
        )
    if unsafe:
        os.environ["HF_ALLOW_CODE_EVAL"] = "1"
    if program := next((entry for entry in entries if any(map(not_allowed, map(programs_of, entry.files)))), None):
        raise refused_program(program.name)


@functools.cache
def programs_of(path: Path, above: tuple[Path, ...] = ()) -> frozenset[str]:
    """The metrics of a task's YAML file, and of those that it includes, that are programs of the Hub.

    What a Python file of the user's own asks for is the user's.
    """
    try:
        text = input_text(path)
    except (OSError, UnicodeDecodeError):
        return frozenset()
    found = {"?"} if YAML_PROGRAM.search(text) else set()
    for module, name in set(YAML_FUNCTION.findall(text)):
        code = path.parent / f"{module.replace('.', '/')}.py"
        if not code.is_file() and module.startswith("lm_eval."):
            code = tasks_folder().parent.joinpath(*module.split(".")[1:]).with_suffix(".py")
        if code.is_file() and inside_lm_eval(code):
            found |= loaded_programs(input_text(code), name)
    for name in yaml_facts(text).get("include", []):
        if (below := path.parent / name) not in above:
            found |= programs_of(below, (*above, path))
    return frozenset(found)


class DataCalls:
    """While open, loads each data set once and remembers what was asked for; tasks load theirs when they are made."""

    def __init__(self) -> None:
        self.loaded: dict[str, Any] = {}
        self.asked: dict[int, dict[str, Any]] = {}
        self.base: Path | None = None  # the folder of the file whose task is loaded, where it is the user's own

    def __enter__(self) -> DataCalls:
        import datasets

        self.load = datasets.load_dataset
        datasets.load_dataset = self.once
        return self

    def __exit__(self, *error: object) -> None:
        import datasets

        datasets.load_dataset = self.load

    def once(self, path: str, name: str | None = None, **more: Any) -> Any:
        path = from_folder(self.base, path)
        more |= {word: from_folder(self.base, more[word]) for word in ("data_files", "data_dir") if more.get(word)}
        key = json.dumps([path, name, more], sort_keys=True, default=str)
        if key not in self.loaded:
            self.loaded[key] = self.load(path, name, **more)
            self.asked[id(self.loaded[key])] = {"path": path, "name": name, **more}
        return self.loaded[key]


def from_folder(base: Path | None, value: Any) -> Any:
    """Paths of data as the file that names them means them: those that are there beside it."""
    if isinstance(value, dict):
        return {name: from_folder(base, part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [from_folder(base, part) for part in value]
    if not isinstance(value, str) or not (path := (base or Path()) / value).exists():
        return value
    path = plain_path(path)
    return str(path) if base else value


def load_lm_eval_tasks(chosen: Sequence[Chosen], settings: Settings) -> tuple[list[Task], list[tuple[str, str]]]:
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
                failed.append((str(row.request), f"its data set gave no items: {explain(error)}"))
                continue
            for task in found:
                tasks.setdefault(task.name, task)
    return list(tasks.values()), failed


def load_request(chosen: Chosen, settings: Settings, calls: DataCalls) -> list[Task]:
    """The tasks of one request, made by lm-eval's TaskManager from the folders that hold them."""
    from lm_eval.tasks import TaskManager

    manager = TaskManager(include_defaults=False, include_path=list(chosen.folders))
    sources = {}
    mine = chosen.files or not all(map(inside_lm_eval, chosen.folders))
    with sources_only() if mine else contextlib.nullcontext():
        for asked in chosen.names:
            own = chosen.files.get(asked)
            calls.base = own.parent if own else None
            with asked_by(own_task=bool(mine) and lie_here(chosen.files.values() or chosen.folders)):
                sources |= manager.load([str(own) if own else asked])["tasks"]
    tasks = []
    for name, source in sources.items():
        shots = set_shots(source, chosen.request.shots)
        refuse_task(name, source, settings)
        if source.OUTPUT_TYPE == "generate_until" and settings.temperature is not None:
            sampling = {"temperature": settings.temperature, "do_sample": settings.temperature > 0}
            source.set_config("generation_kwargs", {**(source.config.generation_kwargs or {}), **sampling})
        dataset = dataset_of_task(name, source, calls)
        task = Task(f"{name}|{shots}", chosen.request, len(sources), source, dataset, own=name in chosen.files)
        if task.own:
            check_golds(name, golds_of_task(source))
        tasks.append(task)
    return tasks


def golds_of_task(source: Any) -> list[tuple[str, str | None]]:
    """(item, what is wrong with its answer) of a task; nothing where no item's answer can be asked for."""
    names, rows, failed = item_ids(source), [], 0
    for name, doc in zip(names, source.eval_docs, strict=True):
        try:
            target = source.doc_to_target(doc)
            if source.OUTPUT_TYPE == "multiple_choice":
                several = source.doc_to_text(doc)  # a number: the prompts are the choices
                gold = several if isinstance(several, int) else target
                rows.append((name, why_no_choice(gold, source.doc_to_choice(doc))))
            else:
                rows.append((name, why_no_text(target)))
        except Exception as error:
            failed += 1
            rows.append((name, explain(error)))
    return [] if failed == len(rows) else rows


def generates(task: Task) -> bool:
    """Whether a task's answers are texts."""
    return task.source.OUTPUT_TYPE == "generate_until"


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


def dataset_of_task(name: str, source: Any, calls: DataCalls) -> Dataset:
    """Where a task's items come from; of local data the hash, and the files when they are only some of a folder."""
    asked = calls.asked.get(id(getattr(source, "dataset", None)))
    split = (evaluated_split(source),)
    local = asked and local_data(asked)
    if local:
        folder, files = local
        everything = Path(str(asked["path"])).is_dir()
        digest = data_sha256(folder) if everything else files_sha256(folder, files)
        names = None if everything else ",".join(sorted(files))
        return Dataset(name, asked["name"], split, shown_path(folder), digest, names)
    if asked and HUB_ID.fullmatch(str(asked["path"])) and asked["path"] not in FILE_FORMATS:
        return Dataset(str(asked["path"]), asked["name"], split)
    # Items made by code, or loaded from an address: they are known by what they are.
    text = "\n".join(json.dumps(doc, sort_keys=True, default=str) for doc in source.eval_docs)
    return Dataset(name, None, split, None, hashlib.sha256(text.encode()).hexdigest())


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


def build_items(task: Task, settings: Settings, lm: Any) -> None:
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
    if task.own and source.OUTPUT_TYPE == "multiple_choice" and not chat:
        say_missing_spaces(task.title, [(item.prompt, item.choices[0]) for item in rows if item.choices])
    task.total, task.docs = len(names), rows
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


def lm_eval_plan_row(task: Task, settings: Settings) -> dict[str, Any]:
    """A task in the plan, its requests counted without building them all."""
    items = len(task.source.eval_docs)
    items = min(items, settings.limit or items)
    doc = task.source.eval_docs[0]
    each = len(task.source.doc_to_choice(doc)) if task.source.OUTPUT_TYPE == "multiple_choice" else 1
    repeats = int(task.source.config.repeats or 1) * (settings.repeats if generates(task) else 1)
    return {
        "task": task.name,
        "asked as": str(task.request),
        "data set": task.dataset.path or task.dataset.repo,
        "split": ",".join(task.dataset.splits),
        "items": items,
        "requests": items * each * repeats,
        "metrics": ",".join(map(str, task.source.aggregation())),
    }
