"""What `local_hub.py` keeps: repos with refs, commits and pull requests, and the rules of git, LFS, cards and results.

No network and no permissions here: trees are plain dictionaries, path -> Entry, and contents lie in `Blobs` by hash.
"""

from __future__ import annotations

import difflib
import fnmatch
import hashlib
import html
import math
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path

import yaml
from local_hub_site import HubError

MAX_NODES = 100_000  # of a YAML document, aliases written out
MAX_REGULAR = 10 * 1024 * 1024  # bytes; the Hub refuses larger files outside LFS
LFS_SUFFIXES = (
    "7z arrow bin bz2 ckpt ftz gz h5 joblib lfs.* mlmodel model msgpack npy npz onnx ot parquet pb pickle pkl pt pth "
    "rar safetensors tar tar.* tflite tgz wasm xz zip zst"
)
# What `license` of a card may be, from the Hub's documentation.
LICENSES = (
    "apache-2.0 mit openrail bigscience-openrail-m creativeml-openrail-m bigscience-bloom-rail-1.0 bigcode-openrail-m "
    "afl-3.0 artistic-2.0 bsl-1.0 bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear c-uda cc cc0-1.0 cc-by-2.0 "
    "cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nd-4.0 "
    "cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cdla-sharing-1.0 "
    "cdla-permissive-1.0 cdla-permissive-2.0 wtfpl ecl-2.0 epl-1.0 epl-2.0 etalab-2.0 eupl-1.1 eupl-1.2 agpl-3.0 gfdl "
    "gpl gpl-2.0 gpl-3.0 lgpl lgpl-2.1 lgpl-3.0 isc h-research intel-research lppl-1.3c ms-pl apple-ascl apple-amlr "
    "mpl-2.0 odc-by odbl openmdw-1.0 openmdw-1.1 openrail++ osl-3.0 postgresql ofl-1.1 ncsa unlicense zlib pddl "
    "lgpl-lr deepfloyd-if-license fair-noncommercial-research-license llama2 llama3 llama3.1 llama3.2 llama3.3 llama4 "
    "grok2-community gemma unknown other"
)
DATASET_SUFFIXES = "lz4 mds flac mp3 ogg wav bmp gif png tiff jpg jpeg webp mp4 webm"


# --- Vocabulary ---


@dataclass
class Token:
    secret: str
    user: str
    role: str = "write"  # write, read or fineGrained
    scopes: dict[str, list[str]] = field(default_factory=dict)  # repo id or namespace -> permissions
    everywhere: list[str] = field(default_factory=list)

    def allows(self, need: str, repo_id: str, private: bool = False) -> bool:
        if self.role != "fineGrained":
            return self.role == "write" or need == "read"
        granted = {*self.everywhere, *self.scopes.get(repo_id, []), *self.scopes.get(repo_id.split("/")[0], [])}
        wanted = {"read": "repo.content.read", "discuss": "discussion.write", "write": "repo.write"}[need]
        return bool(granted & {wanted, "repo.write"}) or (need == "read" and not private)


@dataclass(frozen=True)
class Entry:
    """A file of a tree: id of its git blob (LFS: of the pointer), size of its content, sha256 of an LFS content."""

    oid: str
    size: int
    lfs: str | None = None

    @property
    def key(self) -> str:
        return self.lfs or self.oid

    @property
    def xet_hash(self) -> str:
        """Of an LFS file, which Xet stores: the true one is that of its pieces."""
        return hashlib.sha256(f"xet {self.lfs}".encode()).hexdigest()

    def lfs_info(self, name: str) -> dict:
        """The API's description of an LFS file; its sha256 is called "oid" in trees and "sha256" in repo infos."""
        pointer_size = len(lfs_pointer(self.lfs or "", self.size))
        return {"lfs": {name: self.lfs, "size": self.size, "pointerSize": pointer_size}} if self.lfs else {}


@dataclass
class Commit:
    oid: str
    parent: str | None
    tree: dict[str, Entry]
    title: str
    message: str
    author: str
    date: str


@dataclass
class Discussion:
    num: int
    title: str
    author: str
    created: str
    status: str = "open"  # open, closed, merged or draft
    base: str | None = None  # the ref that a pull request is for; None for a plain discussion
    start: str = ""  # the commit that a pull request began from
    merge_commit: str | None = None
    events: list[dict] = field(default_factory=list)

    @property
    def ref(self) -> str:
        return f"refs/pr/{self.num}"

    def add(self, kind: str, author: str, **data: object) -> dict:
        who = {"id": secrets.token_hex(12), "author": {"name": author}}
        self.events.append({**who, "type": kind, "createdAt": now(), "data": data})
        return self.events[-1]

    def rename(self, author: str, title: str) -> dict:
        old, self.title = self.title, title
        return self.add("title-change", author, **{"from": old, "to": title})

    def become(self, status: str, author: str, comment: str = "") -> dict:
        """Changes the status, with a comment if there is one."""
        if comment:
            self.say(author, comment)
        self.status = status
        return self.add("status-change", author, status=status)

    def say(self, author: str, text: str) -> dict:
        latest = {"raw": text, "html": html.escape(text), "updatedAt": now(), "author": {"name": author}}
        return self.add("comment", author, edited=False, hidden=False, history=[], latest=latest)


@dataclass
class Repo:
    """Refs that point to commits; a commit holds the whole tree, path -> Entry. `kind` is plural, as in the API."""

    kind: str
    id: str
    private: bool = False
    gated: str | bool = False  # "auto" or "manual": files only for the owner and `allowed`
    allowed: list[str] = field(default_factory=list)
    disabled: bool = False  # nobody may do anything
    archived: bool = False  # nobody may change or discuss anything
    discussions_off: bool = False  # its owner has switched discussions and pull requests off
    official: bool | None = None  # a Benchmark that the Hub shows; None: whether it has a readable eval.yaml
    lower_is_better: bool = False  # how a Benchmark's leaderboard ranks
    trending: float = 0  # trendingScore in lists
    about: dict = field(default_factory=dict)  # what the API says besides: downloads, safetensors, ...
    created: str = ""
    refs: dict[str, str] = field(default_factory=dict)
    commits: dict[str, Commit] = field(default_factory=dict)
    discussions: list[Discussion] = field(default_factory=list)

    @property
    def owner(self) -> str:
        return self.id.split("/")[0]

    @property
    def url_path(self) -> str:
        return f"/{self.id}" if self.kind == "models" else f"/{self.kind}/{self.id}"

    def ref(self, revision: str) -> str:
        """Full name of a branch, tag or pull request: "main" -> "refs/heads/main"."""
        for name in (revision, f"refs/heads/{revision}", f"refs/tags/{revision}"):
            if name in self.refs:
                return name
        raise HubError(404, f"Invalid rev id: {revision}", "RevisionNotFound")

    def at(self, revision: str) -> Commit:
        """The commit of a ref, or of a commit id of which at least 7 characters are given."""
        found = [oid for oid in self.commits if len(revision) >= 7 and oid.startswith(revision)]
        return self.commits[found[0] if found else self.refs[self.ref(revision)]]

    def history(self, revision: str) -> list[Commit]:
        """Commits that lead to `revision`, newest first."""
        chain: list[Commit] = [self.at(revision)]
        while parent := chain[-1].parent:
            chain.append(self.commits[parent])
        return chain

    def add_commit(self, ref: str, parent: Commit | None, tree: dict[str, Entry], title: str, text: str, author: str):
        facts = (parent and parent.oid, dict(tree), title, text, author, now())
        commit = Commit(git_oid("commit", repr(facts).encode()), *facts)
        self.commits[commit.oid] = commit
        self.refs[ref] = commit.oid
        for pull in self.discussions:
            if pull.base and pull.ref == ref:
                pull.add("commit", author, subject=title, oid=commit.oid)
        return commit

    def open_discussion(self, title: str, author: str, text: str, status: str, base: str | None, start: str):
        made = Discussion(len(self.discussions) + 1, title, author, now(), status, base, start)
        self.discussions.append(made)
        made.say(author, text)
        if base:
            self.refs[made.ref] = start
        return made


class Blobs:
    """Contents by hash (sha256 in LFS, else git's id): in memory, or one file each in a folder."""

    def __init__(self, folder: Path | None):
        self.folder, self.memory = folder, {}
        if folder:
            folder.mkdir(parents=True, exist_ok=True)

    def put(self, entry: Entry, data: bytes) -> Entry:
        if self.folder:
            (self.folder / entry.key).write_bytes(data)
        else:
            self.memory[entry.key] = data
        return entry

    def get(self, key: str) -> bytes:
        return (self.folder / key).read_bytes() if self.folder else self.memory[key]

    def __contains__(self, key: str) -> bool:
        hashed = re.fullmatch("[0-9a-f]{40,64}", key)  # a key comes from the client and must not be a path
        return bool(hashed) and ((self.folder / key).exists() if self.folder else key in self.memory)


# --- Pure core: git, LFS, cards ---


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def git_oid(kind: str, content: bytes) -> str:
    return hashlib.sha1(f"{kind} {len(content)}\0".encode() + content).hexdigest()


def lfs_pointer(sha: str, size: int) -> bytes:
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha}\nsize {size}\n".encode()


def lfs_entry(sha: str, size: int) -> Entry:
    return Entry(git_oid("blob", lfs_pointer(sha, size)), size, sha)


def gitattributes(kind: str) -> bytes:
    suffixes = f"{LFS_SUFFIXES} {DATASET_SUFFIXES}" if kind == "datasets" else LFS_SUFFIXES
    patterns = [*(f"*.{suffix}" for suffix in suffixes.split()), "saved_model/**/*", "*tfevents*"]
    return "".join(f"{pattern} filter=lfs diff=lfs merge=lfs -text\n" for pattern in patterns).encode()


def goes_to_lfs(path: str, size: int, sample: bytes, attributes: str) -> bool:
    """The Hub's preupload decision: named in .gitattributes, too large for git, or not text."""
    for line in attributes.splitlines():
        pattern, *flags = line.split() or [""]
        name = path if "/" in pattern else path.split("/")[-1]
        if "filter=lfs" in flags and fnmatch.fnmatchcase(name, pattern.replace("**/", "*")):
            return True
    return size > MAX_REGULAR or b"\0" in sample


def ignored(path: str, rules: str) -> bool:
    """Whether a .gitignore with these rules names a file or a folder that it is in, as git reads them."""
    parts = path.split("/")
    return any(ignores("/".join(parts[:depth]), depth < len(parts), rules) for depth in range(1, len(parts) + 1))


def ignores(path: str, folder: bool, rules: str) -> bool:
    """What the last rule that fits says about this path itself."""
    found = False
    for line in rules.splitlines():
        rule = re.sub(r"(?<!\\)\s+$", "", line)
        if not rule or rule.startswith("#"):
            continue
        negated, rule = rule.startswith("!"), rule.removeprefix("!")
        body = rule.rstrip("/")
        if (folder or body == rule) and ignore_pattern(body).fullmatch(path):
            found = not negated
    return found


@lru_cache
def ignore_pattern(rule: str) -> re.Pattern:
    """A rule without its final slash; one with a slash inside holds from the top, others in every folder."""
    text = "" if "/" in rule else "(?:.*/)?"
    meanings = {"**/": "(?:.*/)?", "/**": "/.*", "*": "[^/]*", "?": "[^/]"}
    for part in re.findall(r"\*\*/|/\*\*$|\\.|\[[^\]]+\]|\*|\?|.", rule.removeprefix("/")):
        is_set = part.startswith("[") and len(part) > 1
        text += meanings.get(part) or (part.replace("[!", "[^") if is_set else re.escape(part.removeprefix("\\")))
    return re.compile(text)


def changes(old: dict[str, Entry], new: dict[str, Entry]) -> dict[str, Entry | None]:
    """What leads from one tree to another: path -> its new entry, None where it was deleted."""
    return {path: new.get(path) for path in sorted({*old, *new}) if old.get(path) != new.get(path)}


def file_diff(path: str, old: Entry | None, new: Entry | None, text: Callable[[Entry | None], str]) -> str:
    """What git shows for a file: of a binary one only that it differs, and where the last line has no end."""
    mode = "new file mode 100644\n" if old is None else "deleted file mode 100644\n" if new is None else ""
    oids = "..".join(side.oid[:7] if side else "0000000" for side in (old, new))
    head = f"diff --git a/{path} b/{path}\n{mode}index {oids}{'' if mode else ' 100644'}\n"
    names = (f"a/{path}" if old else "/dev/null", f"b/{path}" if new else "/dev/null")
    sides = [text(side) for side in (old, new)]
    if any("\0" in side for side in sides):
        return f"{head}Binary files {' and '.join(names)} differ\n"
    lines = [re.findall(r"[^\n]*\n|[^\n]+", side) for side in sides]  # splitlines() would also split at form feeds
    found = difflib.unified_diff(*lines, *names)
    return head + "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in found)


def patched(tree: dict[str, Entry], changed: dict[str, Entry | None]) -> dict[str, Entry]:
    merged = {**tree, **changed}
    return {path: entry for path, entry in merged.items() if entry is not None}


class CardLoader(yaml.SafeLoader):
    """Refuses a key given twice, as the Hub does; PyYAML alone keeps the last one silently."""

    def construct_mapping(self, node, deep=False):
        keys = [key.value for key, _ in node.value]
        for key in {key for key in keys if isinstance(key, str) and key != "<<" and keys.count(key) > 1}:
            raise yaml.YAMLError(f"duplicated mapping key: {key}")
        return super().construct_mapping(node, deep)


@lru_cache(maxsize=4096)  # reading YAML is what a list of models would spend its time on
def load_yaml(text: str) -> object:
    """Plain data of a YAML document, not to be changed by callers.

    Raises yaml.YAMLError, also for a document whose aliases would grow without bound.
    """
    loader = CardLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        if expanded_size(node, {}) > MAX_NODES:
            raise yaml.YAMLError("Excessive alias count indicates a resource exhaustion attack")
        return loader.construct_document(node)
    except (RecursionError, ValueError) as error:  # nested too deeply, or a date that does not exist
        raise yaml.YAMLError(str(error)) from error
    finally:
        loader.dispose()


def expanded_size(node: yaml.Node, known: dict[int, float]) -> float:
    """Number of nodes with every alias written out; infinite for one that contains itself."""
    if id(node) not in known:
        known[id(node)] = math.inf
        inside = node.value if isinstance(node, yaml.CollectionNode) else []
        children = [child for item in inside for child in (item if isinstance(item, tuple) else [item])]
        known[id(node)] = 1 + sum(expanded_size(child, known) for child in children)
    return known[id(node)]


def front_matter(text: str) -> dict:
    """The YAML block of a card; {} without one. Raises yaml.YAMLError."""
    block = re.match(r"[\s\ufeff]*---[ \t]*\r?\n((?:[\s\S]*?\n)??)---[ \t]*(\r?\n|$)", text)
    data = load_yaml(block[1]) if block else {}
    if not isinstance(data, dict | None):
        raise yaml.YAMLError("metadata must be a mapping")
    return data or {}


def card_problems(text: str) -> list[str]:
    """Errors of /api/validate-yaml: the part of the Hub's rules that cards with results can break."""
    try:
        data = front_matter(text)
    except yaml.YAMLError as error:
        return [f"YAML Metadata Error: {error}"]
    kinds = {"license": str | list, "pipeline_tag": str, "tags": list, "datasets": str | list, "model-index": list}
    wrong = [f'"{key}" has the wrong type' for key, kind in kinds.items() if not isinstance(data.get(key), kind | None)]
    names, known = data.get("license") or [], LICENSES.split()
    if not wrong and not {*([names] if isinstance(names, str) else names)} <= {*known}:
        wrong = [f'"license" must be one of [{", ".join(known)}]']
    return wrong or index_problems(data.get("model-index") or [])


def index_problems(index: list) -> list[str]:
    """Fields that a model-index must have; an error names the field as the Hub does."""
    problems: list[str] = []

    def need(value: object, where: str, *names: str) -> dict:
        value = value if isinstance(value, dict) else {}
        problems.extend(f'"{where}.{name}" is required' for name in names if value.get(name) is None)
        return value

    for i, model in enumerate(index):
        results = need(model, f"model-index[{i}]", "name", "results").get("results")
        for j, result in enumerate(results or []):
            where = f"model-index[{i}].results[{j}]"
            result = need(result, where, "task", "dataset", "metrics")
            need(result.get("task"), f"{where}.task", "type")
            need(result.get("dataset"), f"{where}.dataset", "type", "name")
            for k, metric in enumerate(result.get("metrics") or []):
                need(metric, f"{where}.metrics[{k}]", "type", "value")
    return problems


def eval_yaml(name: str, tasks: Sequence[str | dict]) -> str:
    """What a Benchmark's eval.yaml looks like: how a framework runs each task."""
    data = {"name": name, "description": f"{name}, as a Benchmark.", "evaluation_framework": "inspect-ai"}
    return yaml.safe_dump({**data, "tasks": [eval_task(task) for task in tasks]}, sort_keys=False)


def eval_task(task: str | dict) -> dict:
    given = {"id": task} if isinstance(task, str) else task
    usual = {"config": "default", "split": "test", "field_spec": {"input": "question", "target": "answer"}}
    return {"id": "", **usual, "solvers": [{"name": "generate"}], "scorers": [{"name": "match"}], **given}


def benchmark_tasks(text: str) -> tuple[str, ...]:
    """Task ids of an eval.yaml, which makes a dataset a Benchmark; none when it cannot be read."""
    try:
        data = load_yaml(text)
    except yaml.YAMLError:
        return ()
    tasks = data.get("tasks") if isinstance(data, dict) and data.get("name") else None
    found = [task.get("id") for task in tasks if isinstance(task, dict)] if isinstance(tasks, list) else []
    return tuple(task for task in found if isinstance(task, str))


def eval_entries(text: str, tasks_of: Callable[[str], Sequence[str]]) -> list[dict]:
    """Entries of an .eval_results file. Raises ValueError with the first reason why the Hub would not show it.

    `tasks_of` gives the task ids of a dataset, none when it is no Benchmark.
    """
    try:
        data = load_yaml(text)
    except yaml.YAMLError as error:
        raise ValueError(f"Invalid YAML: {error}") from error
    if not isinstance(data, list) or not data:
        raise ValueError("Expected a list of results")
    return [eval_entry(entry, f"[{number}]", tasks_of) for number, entry in enumerate(data)]


def eval_entry(entry: object, where: str, tasks_of: Callable[[str], Sequence[str]]) -> dict:
    """The entry with its date as text, after the checks of the specification."""

    def need(value: object, name: str, kind: type | tuple, optional: bool = False) -> object:
        if not (isinstance(value, kind) or (optional and value is None)) or isinstance(value, bool):
            raise ValueError(f"{where}{name}: {'required' if value is None else 'has the wrong type'}")
        return value

    need(entry, "", dict)
    dataset, source = need(entry.get("dataset"), ".dataset", dict), need(entry.get("source"), ".source", dict, True)
    for name in ("id", "task_id"):
        need(dataset.get(name), f".dataset.{name}", str)
    need(dataset.get("revision"), ".dataset.revision", str, True)
    if not math.isfinite(need(entry.get("value"), ".value", (int, float))):
        raise ValueError(f"{where}.value: must be finite")
    for name in ("verifyToken", "notes"):
        need(entry.get(name), f".{name}", str, True)
    if source is not None and not re.match(r"https?://\S", need(source.get("url"), ".source.url", str)):
        raise ValueError(f"{where}.source.url: Invalid URL")
    for name in ("name", "user", "org"):
        need((source or {}).get(name), f".source.{name}", str, True)
    if (tasks := tasks_of(dataset["id"])) == ():
        raise ValueError(f"{where}.dataset.id: {dataset['id']} is not a Benchmark")
    if dataset["task_id"] not in tasks:
        raise ValueError(f"{where}.dataset.task_id: {dataset['id']} has {', '.join(tasks)}, not {dataset['task_id']}")
    return entry | ({"date": iso_date(entry["date"], where)} if entry.get("date") is not None else {})


def iso_date(value: object, where: str) -> str:
    """ISO 8601 text of a date; without quotes YAML reads one as a date of its own."""
    if isinstance(value, date):
        return value.isoformat()
    try:
        datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where}.date: must be an ISO 8601 date") from error
    return value
