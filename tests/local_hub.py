#!/usr/bin/env -S uv run --script
# /// script
# requires-python = ">=3.11"
# dependencies = ["lz4>=4,<5", "pyyaml>=6,<7"]
# ///
"""A Hugging Face Hub on 127.0.0.1 that the unmodified huggingface_hub client (2.2 and later) talks to.

In tests, `local_hub(home)` gives a Hub of its own and points this process's client at it; `LocalHub` alone is for
`HfApi(endpoint=hub.url, token=hub.token)` and for subprocesses (`hub.environment(home)`). By hand, it prints what to
paste into a second terminal, serves a few Benchmarks and made-up models (and, for import-aa, a made-up Artificial
Analysis), and forgets everything when it stops, unless --dir keeps it:

    uv run tests/local_hub.py
    uv run tests/local_hub.py --port 8765 --dir ./my-hub --verbose
    uv run tests/local_hub.py --run-jobs

Jobs and the bucket that their scripts travel in are in local_jobs.py: here `hub.jobs`. They only pretend to run, unless
--run-jobs, which starts what was submitted on this machine.

As on the real Hub: a new repo holds one commit with .gitattributes; files that it names, files over 10 MiB and binary
files go through LFS; a merge squashes the pull request into one commit. Left out: Xet for repos
(HF_HUB_DISABLE_XET=1 makes the client use LFS), multipart uploads, .gitignore rules, tags, editing comments.
The answers to edge cases that the client's source does not show (merging a draft: 400) are guesses.

Exit codes: 0 stopped by Ctrl-C or SIGTERM, 2 could not start (port in use, unreadable state).
"""

from __future__ import annotations

import argparse
import base64
import difflib
import fnmatch
import hashlib
import html
import json
import math
import os
import re
import secrets
import shlex
import signal
import socket
import socketserver
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from functools import lru_cache
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Self
from unittest import mock
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

import yaml
from local_jobs import CAS_ROUTES, JOB_ROUTES, JobHandlers, Jobs, Process

# (method, path, method of Handlers, what the caller must be allowed on the repo). A route is added here and there.
ROUTES = [
    ("GET", "/api/whoami-v2", "whoami", None),
    ("POST", "/api/validate-yaml", "validate_yaml", None),
    ("POST", "/api/repos/create", "create_repo", None),
    ("DELETE", "/api/repos/delete", "delete_repo", None),
    ("GET", "/api/{kind}/{repo}/runtime", "runtime", "read"),
    ("POST", "/api/{kind}/{repo}/hardware", "request_hardware", "write"),
    ("GET", "/api/{kind}", "list_repos", None),
    ("GET", "/api/{kind}/{repo}", "repo_info", "read"),
    ("GET", "/api/{kind}/{repo}/revision/{rev}", "repo_info", "read"),
    ("GET", "/api/{kind}/{repo}/leaderboard", "leaderboard", "read"),
    ("GET", "/api/{kind}/{repo}/auth-check", "auth_check", "files"),
    ("GET", "/api/{kind}/{repo}/auth-check/write", "auth_check", "write"),
    ("GET", "/api/{kind}/{repo}/tree/{rev}", "tree", "read"),
    ("GET", "/api/{kind}/{repo}/tree/{rev}/{path}", "tree", "read"),
    ("POST", "/api/{kind}/{repo}/paths-info/{rev}", "paths_info", "read"),
    ("GET", "/api/{kind}/{repo}/refs", "list_refs", "read"),
    ("POST", "/api/{kind}/{repo}/branch/{rev}", "create_branch", "write"),
    ("GET", "/api/{kind}/{repo}/commits/{rev}", "list_commits", "read"),
    ("POST", "/api/{kind}/{repo}/preupload/{rev}", "preupload", "read"),
    ("POST", "/api/{kind}/{repo}/commit/{rev}", "commit", "read"),
    ("GET", "/api/{kind}/{repo}/xet-write-token/{rev}", "no_xet", "read"),
    ("GET", "/api/{kind}/{repo}/discussions", "list_discussions", "read"),
    ("POST", "/api/{kind}/{repo}/discussions", "create_discussion", "discuss"),
    ("GET", "/api/{kind}/{repo}/discussions/{num}", "discussion", "read"),
    ("POST", "/api/{kind}/{repo}/discussions/{num}/comment", "comment", "discuss"),
    ("POST", "/api/{kind}/{repo}/discussions/{num}/title", "change_title", "discuss"),
    ("POST", "/api/{kind}/{repo}/discussions/{num}/status", "change_status", "discuss"),
    ("POST", "/api/{kind}/{repo}/discussions/{num}/merge", "merge", "write"),
    ("GET", "/api/resolve-cache/{kind}/{repo}/{rev}/{path}", "resolve_cache", "files"),
    ("POST", "/{prefix}{repo}.git/info/lfs/objects/batch", "lfs_batch", "discuss"),
    ("POST", "/{prefix}{repo}.git/info/lfs/verify", "lfs_verify", "discuss"),
    ("GET", "/{prefix}{repo}/resolve/{rev}/{path}", "resolve", "files"),
    ("GET", "/{prefix}{repo}/blob/{rev}/{path}", "resolve", "files"),
    ("GET", "/{prefix}{repo}/raw/{rev}/{path}", "raw", "files"),
    ("GET", "/{prefix}{repo}/discussions/{num}", "discussion_page", "read"),
    ("GET", "/{prefix}{repo}/(?:commit|tree)/{rev}", "repo_page", "read"),
    ("GET", "/{prefix}{repo}", "repo_page", "read"),
    ("GET", "/api/{kind}/{name}.*", "no_such_repo", None),
]
CDN_ROUTES = [
    ("GET", "/lfs/{sha}", "cdn_get", None),
    ("PUT", "/lfs/{sha}", "cdn_put", None),
]
AA_ROUTES = [("GET", "/api/v2/data/llms/models", "models", None)]
PARTS = {
    "kind": "models|datasets|spaces",
    "prefix": "(?:datasets/|spaces/)?",
    "repo": r"[\w.-]+/[\w.-]+?",
    "name": r"[\w.-]+",
    "rev": r"refs(?:/|%2F)pr(?:/|%2F)\d+|[^/]+",  # the client quotes refs/pr/1, a browser does not
    "path": ".+",
    "num": r"\d+",
    "sha": "[0-9a-f]{64}",
    "hash": "[0-9a-f]{64}",
    "job": "[0-9a-f]{24}",
    "bucket": r"[\w.-]+",
}
# Requests that send a body and change nothing.
ASKS = r"/(preupload|paths-info)/|/api/validate-yaml$|/objects/batch$"
# What `expand` may name, which alone is then answered; of these, a list shows LISTED unless asked for more.
EXPANDABLE = {
    "models": "author baseModels cardData childrenModelCount config createdAt disabled downloads downloadsAllTime "
    "evalResults gated gguf inference inferenceProviderMapping lastModified library_name likes mask_token model-index "
    "pipeline_tag private resourceGroup safetensors sha siblings spaces tags transformersInfo trendingScore "
    "usedStorage widgetData",
    "datasets": "author cardData citation createdAt description disabled downloads downloadsAllTime gated "
    "lastModified likes mainSize paperswithcode_id private resourceGroup sha siblings tags trendingScore usedStorage",
    "spaces": "author cardData createdAt datasets disabled lastModified likes models private region resourceGroup "
    "runtime sdk sha siblings subdomain tags trendingScore usedStorage",
}
LISTED = "_id id private likes trendingScore downloads tags pipeline_tag library_name createdAt"
LISTED_MORE = f"{LISTED} author sha lastModified gated"  # of datasets and spaces, and of models when full
AA_PAYLOAD = Path(__file__).with_name("fixtures") / "artificial_analysis.json"
# Benchmarks that a Hub started by hand has: dataset -> name, task ids, invented scores in percent. The scores are there
# because a leaderboard without rows does not tell its scale.
BENCHMARKS = {
    "openai/gsm8k": ("GSM8K", ["gsm8k"], (61.5, 88.4)),
    "TIGER-Lab/MMLU-Pro": ("MMLU-Pro", ["mmlu_pro"], (38.2, 66.9)),
    "cais/hle": ("Humanity's Last Exam", ["hle"], (4.1, 11.7)),
    "Idavidrein/gpqa": ("GPQA", ["gpqa_diamond", "gpqa_main", "gpqa_extended"], (29.8, 55.6)),
    "MathArena/aime_2026": ("AIME 2026", ["MathArena/aime_2026"], (10.0, 46.7)),
}
MADE_UP = "pipeline_tag: text-generation\nlicense: mit\n---\n# A made-up model\n\nIts scores are invented.\n"
TABLE = "\n## Evaluation\n\n| Benchmark | made-up-1b |\n|---|---|\n| GSM8K (5-shot) | 31.6 |\n| MMLU-Pro | 14.9 |\n"
MAX_NODES = 100_000  # of a YAML document, aliases written out
MAX_REGULAR = 10 * 1024 * 1024  # bytes; the Hub refuses larger files outside LFS
PAGE = 1000  # items of one page of a listing
LFS_SUFFIXES = (
    "7z arrow bin bz2 ckpt ftz gz h5 joblib lfs.* mlmodel model msgpack npy npz onnx ot parquet pb pickle pkl pt pth "
    "rar safetensors tar tar.* tflite tgz wasm xz zip zst"
)
DATASET_SUFFIXES = "lz4 mds flac mp3 ogg wav bmp gif png tiff jpg jpeg webp mp4 webm"
READ_ONLY = "Forbidden: you must use a write token to upload to a repository."
OPEN_A_PR = "Forbidden: pass `create_pr=1` as a query parameter to create a Pull Request"
NEW_PR = "Pull Request opened with the [huggingface_hub Python library](https://huggingface.co/docs/huggingface_hub)"


# --- Vocabulary ---


class HubError(Exception):
    """An answer other than success. `code` becomes X-Error-Code, from which the client picks its exception class."""

    def __init__(self, status: int, message: str, code: str = "", **headers: str):
        super().__init__(message)
        self.status, self.message, self.code, self.headers = status, message, code, headers


@dataclass
class Fault:
    """What goes wrong with the `nth` request that fits `method` and the regex `path`, and the `times` - 1 after it."""

    method: str
    path: str  # searched in the unquoted path and query
    nth: int = 1
    times: float = 1
    status: int | None = None  # answer this and do nothing, with `code`, `message`, `headers`
    code: str = ""
    message: str = "Injected by the test"
    body: bytes | None = None  # with `status`: instead of the message, as it is
    headers: dict[str, str] = field(default_factory=dict)  # e.g. {"Retry-After": "0"}, {"RateLimit": '"api";r=0;t=0'}
    delay: float = 0  # seconds before anything else
    before: Callable[[], object] | None = None  # run just before the request is handled: another user's commit
    drop: str = ""  # close the connection: in the "upload", "before" handling, at the "answer", in the "download"
    corrupt: str = ""  # what becomes of the uploaded bytes: "cut" in half or one bit "flip"ped
    seen: int = 0  # requests that fitted so far

    def hits(self, method: str, target: str) -> bool:
        if not (re.fullmatch(self.method, method) and re.search(self.path, target)):
            return False
        self.seen += 1
        return self.nth <= self.seen < self.nth + self.times


@dataclass
class Request:
    """One line of the log: what arrived, at the "hub" or the "cdn", and the status that went out (0: none did)."""

    method: str
    path: str
    query: str
    origin: str
    authorized: bool  # whether an Authorization header came along; never the token itself
    at: float = 0.0  # seconds since 1970 at which it arrived
    status: int = 0


@dataclass
class Budget:
    """Requests of one kind ("api", "resolvers") that a caller may send in a fixed window of seconds."""

    kind: str
    quota: int
    window: float
    used: int = 0
    since: float = -math.inf

    def spend(self, clock: float) -> tuple[bool, dict[str, str]]:
        """Whether one more is allowed, and the headers that the Hub sends with every answer."""
        if clock >= self.since + self.window:
            self.used, self.since = 0, clock
        allowed = self.used < self.quota
        self.used += allowed
        left = math.ceil(self.since + self.window - clock)
        headers = {"RateLimit": f'"{self.kind}";r={self.quota - self.used};t={left}'}
        headers["RateLimit-Policy"] = f'"fixed window";"{self.kind}";q={self.quota};w={math.ceil(self.window)}'
        return allowed, headers | ({} if allowed else {"Retry-After": str(left)})


@dataclass
class Answer:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    stream: Iterator[bytes] | None = None  # instead of the body: parts, sent as they come


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


def json_answer(data: object, status: int = 200, **headers: str) -> Answer:
    text = json.dumps(data, default=json_value, skipkeys=True)
    return Answer(status, text.encode(), {"Content-Type": "application/json", **headers})


def json_value(value: object) -> str:
    """What YAML has and JSON has not: dates, bytes."""
    return value.isoformat() if isinstance(value, date) else str(value)


def html_page(title: str, *sections: tuple[str, str]) -> Answer:
    """A plain page; everything in it is text, escaped, and no script may run."""
    blocks = "".join(f"<h2>{html.escape(name)}</h2><pre>{html.escape(text)}</pre>" for name, text in sections)
    name = html.escape(title)
    page = f"<!doctype html><meta charset=utf-8><title>{name}</title><h1>{name}</h1>{blocks}"
    headers = {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": "default-src 'none'"}
    return Answer(200, page.encode(), headers)


def ranged(data: bytes, wanted: str, **headers: str) -> Answer:
    """A file, or the part of it that a Range header asks for."""
    headers |= {"Accept-Ranges": "bytes", "Content-Type": "text/plain; charset=utf-8"}
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", wanted)
    if not match or match[0] == "bytes=-":
        return Answer(200, data, headers)
    first, last = (int(part) if part else None for part in match.groups())
    start = max(0, len(data) - (last or 0)) if first is None else first
    stop = len(data) if first is None or last is None else min(last + 1, len(data))
    if start >= stop:
        raise HubError(416, "Range not satisfiable", **{"Content-Range": f"bytes */{len(data)}"})
    return Answer(206, data[start:stop], {**headers, "Content-Range": f"bytes {start}-{stop - 1}/{len(data)}"})


# --- Handlers: one per route ---


@dataclass
class Call:
    """A request on its way to a handler. `repo` is set when the route names one and the caller may see it."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]  # lower-case names
    body: bytes = b""
    token: Token | None = None
    repo: Repo = None  # type: ignore[assignment]

    def json(self) -> dict:
        return json.loads(self.body or b"{}")

    def arg(self, name: str, default: str = "") -> str:
        return self.query.get(name, [default])[-1]

    def flag(self, name: str) -> bool:
        return self.arg(name).lower() in ("1", "true")

    @property
    def user(self) -> str:
        if self.token is None:
            raise HubError(401, "Invalid username or password.")
        return self.token.user


class Handlers:
    """What each route does, with the Hub's lock held. Returns JSON data or an Answer; raises HubError."""

    def __init__(self, hub: LocalHub):
        self.hub = hub

    # Account and repos

    def whoami(self, call: Call) -> dict:
        name, token = call.user, call.token
        access = {"displayName": "local", "role": token.role, "createdAt": now()}
        if token.role == "fineGrained":
            entities = [{"_id": key, "type": self.entity_type(key), "name": key} for key in token.scopes]
            scoped = [{"entity": entity, "permissions": token.scopes[entity["name"]]} for entity in entities]
            access["fineGrained"] = {"canReadGatedRepos": True, "global": token.everywhere, "scoped": scoped}
        orgs = [{"type": "org", "name": org, "roleInOrg": role} for org, role in self.hub.users[name].items()]
        auth = {"type": "access_token", "accessToken": access}
        return {"type": "user", "id": name, "name": name, "fullname": name, "isPro": False, "orgs": orgs, "auth": auth}

    def entity_type(self, key: str) -> str:
        namespace = "user" if key in self.hub.users else "org"
        return next((kind[:-1] for kind, repo_id in self.hub.repos if repo_id == key), namespace)

    def validate_yaml(self, call: Call) -> Answer:
        """Plain text for `ModelCard.validate`, which shows the body as it is; JSON for `create_commit`."""
        errors = card_problems(call.json()["content"])
        if call.headers.get("accept") == "text/plain":
            return Answer(400 if errors else 200, "\n".join(f"- Error: {line}" for line in errors).encode())
        return json_answer({"errors": [{"message": line} for line in errors], "warnings": []}, 400 if errors else 200)

    def create_repo(self, call: Call) -> Answer:
        wanted = call.json()
        namespace, kind = wanted.get("organization") or call.user, f"{wanted.get('type', 'model')}s"
        repo_id = f"{namespace}/{wanted['name']}"
        if not re.fullmatch(PARTS["repo"], repo_id):
            raise HubError(400, f"Invalid repo name: {repo_id}")
        if (kind, repo_id) in self.hub.repos:
            message = f"You already created this {kind[:-1]} repo"
            url = self.hub.url + self.hub.repos[kind, repo_id].url_path  # read by the client when exist_ok=True
            return json_answer({"error": message, "url": url}, 409, **{"X-Error-Message": message})
        if not (self.hub.role(call.user, namespace) in ("admin", "write") and call.token.allows("write", namespace)):
            raise HubError(403, f'You don\'t have the rights to create a {kind[:-1]} under the namespace "{namespace}"')
        if kind == "spaces" and wanted.get("sdk") != "static" and namespace in self.hub.without_spaces:
            raise HubError(402, "Subscribe to PRO to create Gradio and Docker Spaces on free hardware")
        private = wanted.get("visibility") == "private" or bool(wanted.get("private"))
        repo = self.hub.new_repo(kind, repo_id, call.user, private=private)
        return json_answer({"url": self.hub.url + repo.url_path, "name": repo_id, "id": repo_id})

    def delete_repo(self, call: Call) -> dict:
        wanted = call.json()
        key = f"{wanted.get('type', 'model')}s", f"{wanted.get('organization') or call.user}/{wanted['name']}"
        if key not in self.hub.repos:
            raise self.hub.not_found(call.token)
        self.hub.require(call.token, self.hub.repos[key], "write")
        del self.hub.repos[key]
        return {}

    def request_hardware(self, call: Call) -> dict:
        """Paid hardware is for accounts that can pay: those in `hub.paying`."""
        flavor = call.json()["flavor"]
        if flavor != "cpu-basic" and call.repo.owner not in self.hub.paying:
            raise HubError(402, "Payment required: add a payment method to request this hardware")
        call.repo.about["hardware"] = flavor
        return self.runtime(call)

    def runtime(self, call: Call) -> dict:
        flavor = call.repo.about.get("hardware", "cpu-basic")
        return {"stage": "RUNNING", "hardware": {"current": flavor, "requested": flavor}, "gcTimeout": 172800}

    def no_such_repo(self, call: Call, **_: str) -> None:
        raise self.hub.not_found(call.token)

    def auth_check(self, call: Call) -> dict:
        return {}

    def no_xet(self, call: Call, rev: str) -> None:
        raise HubError(400, "This local Hub has no Xet storage: set HF_HUB_DISABLE_XET=1")

    def list_repos(self, call: Call, kind: str) -> Answer:
        full = call.flag("full")
        names = self.expanded(call, kind) or {*(LISTED if kind == "models" and not full else LISTED_MORE).split()}
        names |= ({"siblings"} if full else set()) | ({"cardData"} if call.flag("cardData") else set())
        repos = [repo for repo in self.hub.repos.values() if repo.kind == kind]
        infos = [self.info(repo, repo.at("main")) for repo in repos if self.hub.permitted(call.token, repo, "read")]
        wanted = {*call.query.get("filter", []), *call.query.get("pipeline_tag", [])}
        infos = [
            info
            for info in infos
            if call.arg("author", info["author"]) == info["author"]
            and all(part.lower() in info["id"].lower() for part in call.query.get("search", []))
            and call.arg("gated").lower() in ("", str(bool(info["gated"])).lower())
            and wanted <= {*info["tags"], info["pipeline_tag"]}
        ]
        key = call.arg("sort", "trendingScore")
        infos.sort(key=lambda info: info.get(key) or 0, reverse=call.arg("direction", "-1") == "-1")
        return self.paged(call, infos, lambda info: self.shown(self.hub.repos[kind, info["id"]], info, names))

    def repo_info(self, call: Call, rev: str = "main") -> dict:
        expand = self.expanded(call, call.repo.kind)
        info = self.info(call.repo, call.repo.at(rev), call.flag("blobs"))
        return self.shown(call.repo, info, expand, rev) if expand else info

    def expanded(self, call: Call, kind: str) -> set[str]:
        """The properties asked for; one that the Hub does not have is an error."""
        expand = {*call.query.get("expand", []), *call.query.get("expand[]", [])}
        allowed = EXPANDABLE[kind].split()
        if unknown := expand - {*allowed}:
            raise HubError(400, f'"expand" must be one of [{", ".join(allowed)}], not {", ".join(sorted(unknown))}')
        return expand

    def shown(self, repo: Repo, info: dict, names: set[str], rev: str = "main") -> dict:
        shown = {key: value for key, value in info.items() if key in names or key in ("_id", "id")}
        if "safetensors" in names and (counts := self.parameters(repo.at(rev))):
            shown["safetensors"] = {"parameters": counts, "total": sum(counts.values())}
        return shown | ({"evalResults": self.eval_results(repo, rev)} if "evalResults" in names else {})

    def parameters(self, commit: Commit) -> dict[str, int]:
        """How many values of each type the model's safetensors files hold, by their headers."""
        counts: dict[str, int] = {}
        for path in [path for path in commit.tree if re.fullmatch(r"[^/]+\.safetensors", path)]:
            data = self.hub.blobs.get(commit.tree[path].key)
            header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
            for tensor in (tensor for name, tensor in header.items() if name != "__metadata__"):
                counts[tensor["dtype"]] = counts.get(tensor["dtype"], 0) + math.prod(tensor["shape"])
        return counts

    def info(self, repo: Repo, commit: Commit, blobs: bool = False) -> dict:
        """What needs no more than the card and the tree."""
        card, files = self.hub.card(commit), sorted(commit.tree.items())
        details = [{"size": e.size, "blobId": e.oid, **e.lfs_info("sha256")} if blobs else {} for _, e in files]
        what = {"_id": repo.id, "id": repo.id, "author": repo.owner, "private": repo.private, "gated": repo.gated}
        when = {"sha": commit.oid, "createdAt": repo.created, "lastModified": commit.date}
        known = {key: card.get(key) for key in ("pipeline_tag", "library_name", "model-index")}
        tags = card_tags(card) + ["benchmark:official"] * bool(self.tasks_of(repo))
        told = {"cardData": card, "tags": tags, "usedStorage": sum(entry.size for _, entry in files)}
        siblings = [{"rfilename": path, **more} for (path, _), more in zip(files, details, strict=True)]
        counts = {"downloads": 0, "likes": 0, "trendingScore": repo.trending}
        return what | when | known | told | {"siblings": siblings} | counts | repo.about

    # Evaluation results and Benchmarks

    def tasks_of(self, repo: Repo) -> tuple[str, ...]:
        """Task ids of a Benchmark: of the eval.yaml on a dataset's main branch."""
        entry = repo.at("main").tree.get("eval.yaml") if repo.kind == "datasets" else None
        return benchmark_tasks(self.hub.text(entry)) if entry else ()

    def tasks_of_id(self, dataset_id: str) -> tuple[str, ...]:
        repo = self.hub.repos.get(("datasets", dataset_id))
        return self.tasks_of(repo) if repo else ()

    def eval_results(self, repo: Repo, rev: str = "main") -> list[dict]:
        """Results of a revision; of main together with what open pull requests would add.

        Which faults make a file an `error`, and that a pull request shows only what is new, are guesses.
        """
        found = self.results_in(repo.at(rev).tree)
        if rev not in ("main", "refs/heads/main"):
            return found
        for pull in repo.discussions:
            if pull.base and pull.status in ("open", "draft"):
                changed = changes(repo.commits[pull.start].tree, repo.at(pull.ref).tree)
                new = self.results_in({path: entry for path, entry in changed.items() if entry})
                found += [{**item, "pullRequest": pull.num} for item in new if item not in found]
        return found

    def results_in(self, tree: dict[str, Entry]) -> list[dict]:
        """An item for each result of a file, or one for the first fault that the file has."""
        found = []
        for path in sorted(path for path in tree if re.fullmatch(r"\.eval_results/[^/]+\.yaml", path)):
            try:
                entries = eval_entries(self.hub.text(tree[path]), self.tasks_of_id)
            except ValueError as error:
                found.append({"filename": path, "error": str(error)})
                continue
            verified = [entry.get("verifyToken") in self.hub.verify_tokens for entry in entries]
            items = zip(verified, entries, strict=True)
            found += [{"filename": path, "verified": known, "data": entry} for known, entry in items]
        return found

    def leaderboard(self, call: Call) -> list[dict]:
        """Results of all models for a Benchmark's first task, the highest value first.

        `task_id`, which the client does not send, chooses another task: how the Hub ranks several tasks is a guess.
        """
        tasks = self.tasks_of(call.repo)
        if not tasks:
            raise HubError(404, f"Dataset {call.repo.id} does not have a leaderboard")
        task = call.arg("task_id", tasks[0])
        if task not in tasks:
            raise HubError(400, f'"task_id" must be one of [{", ".join(tasks)}]')
        rows = [
            self.leaderboard_row(repo, item)
            for repo in self.ranked_models(call)
            for item in self.eval_results(repo)
            if (where := item.get("data", {}).get("dataset"))
            and (where["id"], where["task_id"]) == (call.repo.id, task)
        ]
        rows.sort(key=lambda row: (-row["value"], row["modelId"], row["filename"]))
        return [{"rank": number, **row} for number, row in enumerate(rows, 1)]

    def ranked_models(self, call: Call) -> list[Repo]:
        """Models that the caller may see; without those made from another one, unless `base_model` is false."""
        models = [repo for repo in self.hub.repos.values() if repo.kind == "models"]
        models = [repo for repo in models if self.hub.permitted(call.token, repo, "read")]
        everything = call.arg("base_model").lower() == "false"
        return [repo for repo in models if everything or not self.hub.card(repo.at("main")).get("base_model")]

    def leaderboard_row(self, repo: Repo, item: dict) -> dict:
        data, kind = item["data"], self.entity_type(repo.owner)
        author = {"type": kind, "name": repo.owner, "fullname": repo.owner, "avatarUrl": ""}
        row = {"modelId": repo.id, "value": data["value"], "author": author}
        row |= {key: item[key] for key in ("filename", "verified", "pullRequest") if key in item}
        row |= {"notes": data["notes"]} if data.get("notes") else {}
        if source := data.get("source"):
            external = not source["url"].startswith((self.hub.url, "https://huggingface.co/"))
            row["source"] = {"url": source["url"], "name": source.get("name") or source["url"], "isExternal": external}
        return row

    def paged(self, call: Call, items: list, show: Callable = lambda item: item) -> Answer:
        """One page of a listing; the Link header leads to the next, as GitHub's does."""
        start, size = int(call.arg("cursor", "0")), min(int(call.arg("limit", "0")) or PAGE, PAGE)
        headers = {}
        if start + size < len(items):
            query = urlencode({**call.query, "cursor": [str(start + size)]}, doseq=True)
            headers["Link"] = f'<{self.hub.url}{call.path}?{query}>; rel="next"'
        return json_answer([show(item) for item in items[start : start + size]], **headers)

    # Trees, refs and files

    def tree(self, call: Call, rev: str, path: str = "") -> Answer:
        files, inside, names = call.repo.at(rev).tree, f"{path}/" if path else "", set()
        for parts in (name[len(inside) :].split("/") for name in files if name.startswith(inside)):
            depths = range(1, len(parts) + 1) if call.flag("recursive") else [1]
            names |= {inside + "/".join(parts[:depth]) for depth in depths}
        if path and not names:
            raise HubError(404, f"{path} does not exist on {rev}", "EntryNotFound")
        infos = [path_info(files, name) for name in sorted(names)]
        if call.flag("expand"):
            history = call.repo.history(rev)
            infos = [info | {"lastCommit": last_commit(history, info["path"])} for info in infos]
        return self.paged(call, infos)

    def paths_info(self, call: Call, rev: str) -> list:
        files, wanted = call.repo.at(rev).tree, parse_qs(call.body.decode())["paths"]
        known = [name for name in wanted if name in files or any(path.startswith(f"{name}/") for path in files)]
        return [path_info(files, name) for name in known]

    def list_refs(self, call: Call) -> dict:
        def named(prefix: str, cut: str) -> list[dict]:
            refs = [(ref, oid) for ref, oid in call.repo.refs.items() if ref.startswith(prefix)]
            return [{"name": ref.removeprefix(cut), "ref": ref, "targetCommit": oid} for ref, oid in refs]

        pulls = {"pullRequests": named("refs/pr/", "refs/")} if call.flag("include_prs") else {}
        return {"branches": named("refs/heads/", "refs/heads/"), "converts": [], "tags": [], **pulls}

    def create_branch(self, call: Call, rev: str) -> dict:
        if f"refs/heads/{rev}" in call.repo.refs:
            raise HubError(409, f"Reference already exists: {rev}")
        call.repo.refs[f"refs/heads/{rev}"] = call.repo.at(call.json().get("startingPoint", "main")).oid
        return {}

    def list_commits(self, call: Call, rev: str) -> Answer:
        found = [(commit, {"title": commit.title, "message": commit.message}) for commit in call.repo.history(rev)]
        rows = [
            {"id": commit.oid, "authors": [{"user": commit.author}], "date": commit.date, **text}
            for commit, text in found
        ]
        return self.paged(call, rows)

    def entry(self, repo: Repo, rev: str, path: str) -> tuple[Commit, Entry]:
        commit = repo.at(rev)
        if path not in commit.tree:  # with the commit, so that the client may remember that there is no such file
            raise HubError(404, "Entry not found", "EntryNotFound", **{"X-Repo-Commit": commit.oid})
        return commit, commit.tree[path]

    def resolve(self, call: Call, rev: str, path: str) -> Answer:
        """Small files live on the Hub, one redirect away; LFS files at the CDN, which must not get the token."""
        commit, entry = self.entry(call.repo, rev, path)
        location = f"/api/resolve-cache/{call.repo.kind}/{call.repo.id}/{commit.oid}/{quote(path)}"
        about = {"X-Repo-Commit": commit.oid, "X-Linked-Size": str(entry.size), "X-Linked-ETag": f'"{entry.key}"'}
        about["Location"] = f"{self.hub.cdn_url}/lfs/{entry.lfs}" if entry.lfs else location
        return Answer(302 if entry.lfs else 307, b"", about)

    def resolve_cache(self, call: Call, rev: str, path: str) -> Answer:
        commit, entry = self.entry(call.repo, rev, path)
        headers = {"ETag": f'"{entry.oid}"', "X-Repo-Commit": commit.oid}
        return ranged(self.hub.blobs.get(entry.key), call.headers.get("range", ""), **headers)

    def raw(self, call: Call, rev: str, path: str) -> Answer:
        """A file as git has it, without a redirect; the client does not use this."""
        commit, entry = self.entry(call.repo, rev, path)
        data = lfs_pointer(entry.lfs, entry.size) if entry.lfs else self.hub.blobs.get(entry.key)
        return ranged(data, call.headers.get("range", ""), ETag=f'"{entry.oid}"', **{"X-Repo-Commit": commit.oid})

    # Writing: preupload, LFS, commit

    def may_commit(self, call: Call, ref: str) -> None:
        """The author of a pull request may add to it without any right on the repo."""
        own = [pull for pull in call.repo.discussions if pull.base and pull.ref == ref and pull.author == call.user]
        self.hub.require(call.token, call.repo, "discuss" if own else "write")

    def may_upload(self, call: Call, rev: str) -> None:
        if call.flag("create_pr"):
            self.hub.require(call.token, call.repo, "discuss")
        else:
            self.may_commit(call, call.repo.ref(rev))

    def preupload(self, call: Call, rev: str) -> dict:
        """How to send each file, and the id it has now: the client leaves out files whose id is the same."""
        tree = call.repo.at(rev).tree
        self.may_upload(call, rev)
        attributes, modes = self.hub.text(tree.get(".gitattributes")), []
        for file in call.json()["files"]:
            lfs = goes_to_lfs(file["path"], file["size"], base64.b64decode(file.get("sample", "")), attributes)
            mode = {"path": file["path"], "uploadMode": "lfs" if lfs else "regular", "shouldIgnore": False}
            old = tree.get(file["path"])
            modes.append({**mode, "oid": old.key} if old else mode)
        return {"files": modes}

    def lfs_batch(self, call: Call) -> dict:
        """Without a ref any reader may upload: that is how the client sends the files of a new pull request."""
        wanted = call.json()
        if "ref" in wanted:
            self.may_commit(call, call.repo.ref(wanted["ref"]["name"]))
        objects = [{"oid": item["oid"], "size": item["size"]} for item in wanted["objects"]]
        for item in objects:
            if item["oid"] not in self.hub.blobs:
                verify = {"href": f"{self.hub.url}{call.repo.url_path}.git/info/lfs/verify"}
                item["actions"] = {"upload": {"href": f"{self.hub.cdn_url}/lfs/{item['oid']}"}, "verify": verify}
        return {"transfer": "basic", "objects": objects}

    def lfs_verify(self, call: Call) -> dict:
        """Where a damaged upload is noticed: what arrived must have the announced size and sha256."""
        oid, size = call.json()["oid"], call.json()["size"]
        data = self.hub.uploads.pop(oid, b"")
        if len(data) != size or hashlib.sha256(data).hexdigest() != oid:
            raise HubError(422, f"Verification failed: {len(data)} of {size} bytes arrived, or other ones")
        self.hub.blobs.put(lfs_entry(oid, size), data)
        return {}

    def cdn_get(self, call: Call, sha: str) -> Answer:
        if sha not in self.hub.blobs:
            raise HubError(404, "NoSuchKey")
        return ranged(self.hub.blobs.get(sha), call.headers.get("range", ""), ETag=f'"{sha}"')

    def cdn_put(self, call: Call, sha: str) -> Answer:
        self.hub.uploads[sha] = call.body
        return Answer(200, b"", {"ETag": f'"{hashlib.md5(call.body).hexdigest()}"'})

    def commit(self, call: Call, rev: str) -> dict:
        repo, lines = call.repo, [json.loads(line) for line in call.body.splitlines() if line.strip()]
        header, new_pr = lines[0]["value"], call.flag("create_pr")
        ref = repo.ref(rev)
        self.may_upload(call, rev)
        head, parent = repo.at(rev), header.get("parentCommit") or ""
        if not new_pr and not head.oid.startswith(parent):
            raise HubError(412, "A commit has happened since. Please refresh and try again.")
        start = repo.at(parent) if new_pr and parent else head
        tree = self.apply(start.tree, lines[1:])
        title, text = header["summary"], header.get("description", "")
        pull = repo.open_discussion(title, call.user, text or NEW_PR, "open", ref, start.oid) if new_pr else None
        commit = repo.add_commit(pull.ref if pull else ref, start, tree, title, text, call.user)
        url = self.hub.url + repo.url_path
        urls = {"commitUrl": f"{url}/commit/{commit.oid}", "commitOid": commit.oid, "hookOutput": ""}
        return {"success": True, **urls, **({"pullRequestUrl": f"{url}/discussions/{pull.num}"} if pull else {})}

    def apply(self, tree: dict[str, Entry], operations: list[dict]) -> dict[str, Entry]:
        """A tree with the operations of a commit done. Files that did not change make a commit all the same."""
        tree = dict(tree)
        for operation in operations:
            key, value = operation["key"], operation["value"]
            path = checked_path(value["path"])
            if key in ("deletedFile", "deletedFolder"):
                inside = f"{path}/" if key == "deletedFolder" else "\0"
                gone = [name for name in tree if name == path or name.startswith(inside)]
                if not gone:
                    raise HubError(404, f'A file with this name doesn\'t exist: "{path}"', "EntryNotFound")
                tree = {name: entry for name, entry in tree.items() if name not in gone}
            elif key == "lfsFile":
                if value["oid"] not in self.hub.blobs:
                    raise HubError(400, f"LFS pointer pointed to a file that does not exist: {path}")
                tree[path] = lfs_entry(value["oid"], len(self.hub.blobs.get(value["oid"])))
            else:
                tree[path] = self.regular(path, base64.b64decode(value["content"]))
        return tree

    def regular(self, path: str, data: bytes) -> Entry:
        if len(data) > MAX_REGULAR:
            raise HubError(400, f"{path} is larger than 10 MiB and must be uploaded through LFS")
        errors = card_problems(data.decode(errors="replace")) if path == "README.md" else []
        if errors:
            raise HubError(400, "Invalid metadata in README.md.\n" + "\n".join(errors))
        return self.hub.blobs.put(Entry(git_oid("blob", data), len(data)), data)

    # Discussions and pull requests

    def find_discussion(self, call: Call, num: str) -> Discussion:
        if not 1 <= int(num) <= len(call.repo.discussions):
            raise HubError(404, f"Discussion {num} not found")
        return call.repo.discussions[int(num) - 1]

    def list_discussions(self, call: Call) -> dict:
        """Newest first; "closed" includes merged, "open" includes drafts, as in the web page's two tabs."""
        statuses = {"open": ("open", "draft"), "closed": ("closed", "merged")}.get(call.arg("status"))
        wanted_type = {"pull_request": True, "discussion": False}.get(call.arg("type"))
        found = [
            self.summary(call.repo, item)
            for item in reversed(call.repo.discussions)
            if (statuses is None or item.status in statuses)
            and wanted_type in (None, item.base is not None)
            and call.arg("author", item.author) == item.author
        ]
        start = int(call.arg("p", "0")) * 50
        return {"discussions": found[start : start + 50], "count": len(found), "start": start}

    def summary(self, repo: Repo, item: Discussion) -> dict:
        about = {"num": item.num, "title": item.title, "author": {"name": item.author}, "createdAt": item.created}
        where = {"name": repo.id, "type": repo.kind[:-1]}
        role = self.hub.users.get(item.author, {}).get(repo.owner)  # an organization's member speaks for it
        about["repoOwner"] = {"name": repo.owner, "isDiscussionAuthor": item.author == repo.owner or role is not None}
        return {**about, "status": item.status, "isPullRequest": item.base is not None, "repo": where}

    def create_discussion(self, call: Call) -> dict:
        """A pull request made this way has no commit yet and is a draft."""
        wanted, pull = call.json(), bool(call.json().get("pullRequest"))
        if not 3 <= len(wanted["title"]) <= 200:
            raise HubError(400, "Title must be between 3 and 200 characters long")
        status, base = ("draft", "refs/heads/main") if pull else ("open", None)
        start = call.repo.at("main").oid
        made = call.repo.open_discussion(wanted["title"], call.user, wanted.get("description", ""), status, base, start)
        return {**self.summary(call.repo, made), "pullRequest": pull}

    def discussion(self, call: Call, num: str) -> dict:
        item, repo = self.find_discussion(call, num), call.repo
        details = {**self.summary(repo, item), "events": item.events}
        if item.base:
            changed = changes(repo.commits[item.start].tree, repo.at(item.ref).tree)
            details["changes"] = {"base": item.base, "mergeCommitId": item.merge_commit}
            details["filesWithConflicts"] = self.conflicts(repo, item, changed)
            if call.flag("diff"):
                details["diff"] = self.diff(repo.commits[item.start].tree, changed)
        return details

    def conflicts(self, repo: Repo, pull: Discussion, changed: dict[str, Entry | None]) -> list[str]:
        """Files that the base branch changed too, and differently."""
        old, new = repo.commits[pull.start].tree, repo.at(pull.base).tree
        both = [path for path in changed if new.get(path) not in (old.get(path), changed[path])]
        return both if pull.status != "merged" else []

    def diff(self, old: dict[str, Entry], changed: dict[str, Entry | None]) -> str:
        return "".join(file_diff(path, old.get(path), entry, self.hub.text) for path, entry in changed.items())

    def comment(self, call: Call, num: str) -> dict:
        return {"newMessage": self.find_discussion(call, num).say(call.user, call.json()["comment"])}

    def change_title(self, call: Call, num: str) -> dict:
        item, title = self.find_discussion(call, num), call.json()["title"]
        self.own(call, item)
        event = item.add("title-change", call.user, **{"from": item.title, "to": title})
        item.title = title
        return {"newTitle": event}

    def change_status(self, call: Call, num: str) -> dict:
        item, wanted = self.find_discussion(call, num), call.json()
        self.own(call, item)
        if item.status == "merged" or wanted["status"] not in ("open", "closed"):
            raise HubError(400, f"Cannot change the status from {item.status} to {wanted['status']}")
        if wanted.get("comment"):
            item.say(call.user, wanted["comment"])
        item.status = wanted["status"]
        return {"newStatus": item.add("status-change", call.user, status=item.status)}

    def own(self, call: Call, item: Discussion) -> None:
        if item.author != call.user:
            self.hub.require(call.token, call.repo, "write")

    def merge(self, call: Call, num: str) -> dict:
        """One commit on the base branch, with the pull request's title and number."""
        pull, repo = self.find_discussion(call, num), call.repo
        if pull.base is None or pull.status != "open":
            raise HubError(400, f"Cannot merge: this is not an open pull request, but {pull.status}")
        changed = changes(repo.commits[pull.start].tree, repo.at(pull.ref).tree)
        if conflicts := self.conflicts(repo, pull, changed):
            raise HubError(409, f"Cannot merge, conflicting files: {', '.join(conflicts)}")
        if comment := call.json().get("comment"):
            pull.say(call.user, comment)
        base, titles = repo.at(pull.base), [e["data"]["subject"] for e in pull.events if e["type"] == "commit"]
        title, text = f"{pull.title} (#{pull.num})", "\n".join(f"- {title}" for title in titles)
        commit = repo.add_commit(pull.base, base, patched(base.tree, changed), title, text, call.user)
        pull.status, pull.merge_commit = "merged", commit.oid
        pull.add("status-change", call.user, status="merged")
        return {}

    # Pages, so that the URLs which the client prints open in a browser

    def repo_page(self, call: Call, rev: str = "main") -> Answer:
        commit = call.repo.at(rev)
        files = "\n".join(f"{entry.size:>12,}  {path}" for path, entry in sorted(commit.tree.items()))
        history = "\n".join(f"{item.oid[:8]}  {item.title}" for item in call.repo.history(rev))
        readme = "" if call.repo.gated else self.hub.text(commit.tree.get("README.md"))
        return html_page(call.repo.id, ("Files", files), ("Commits", history), ("README.md", readme))

    def discussion_page(self, call: Call, num: str) -> Answer:
        call.query["diff"] = ["1"]
        details = self.discussion(call, num)
        comments = [event["data"]["latest"]["raw"] for event in details["events"] if event["type"] == "comment"]
        title = f"{call.repo.id} #{num}: {details['title']} ({details['status']})"
        return html_page(title, ("Comments", "\n\n".join(comments)), ("Changes", details.get("diff", "")))


def path_info(tree: dict[str, Entry], name: str) -> dict:
    if entry := tree.get(name):
        return {"type": "file", "path": name, "size": entry.size, "oid": entry.oid, **entry.lfs_info("oid")}
    inside = sorted((path, entry.oid) for path, entry in tree.items() if path.startswith(f"{name}/"))
    return {"type": "directory", "path": name, "size": 0, "oid": git_oid("tree", repr(inside).encode())}


def last_commit(history: list[Commit], path: str) -> dict:
    """The newest commit that changed a file or something in a folder."""

    def under(commit: Commit) -> dict[str, Entry]:
        return {name: entry for name, entry in commit.tree.items() if name == path or name.startswith(f"{path}/")}

    older = [*history[1:], None]
    found = next(new for new, old in zip(history, older, strict=True) if old is None or under(new) != under(old))
    return {"id": found.oid, "title": found.title, "date": found.date}


def card_tags(card: dict) -> list[str]:
    values = [card.get(key) for key in ("tags", "language", "library_name", "pipeline_tag")]
    tags = [str(tag) for value in values for tag in (value if isinstance(value, list) else [value]) if tag is not None]
    return tags + ([f"license:{card['license']}"] if card.get("license") else [])


def checked_path(path: str) -> str:
    parts = path.rstrip("/").split("/")
    if any(part in ("", ".", "..", ".git") for part in parts) or "\\" in path:
        raise HubError(400, f"Invalid path: {path}")
    return "/".join(parts)


# --- The Hub: state, permissions, what tests call ---


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


class Site:
    """What every server here has: its log of requests, its faults and its latency, and a thread for each origin."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.requests: list[Request] = []
        self.errors: list[str] = []  # tracebacks of handlers: a bug here, or a malformed request
        self.faults: list[Fault] = []
        self.latency = 0.0  # seconds that every request waits before it is handled; many wait side by side
        self.in_flight = self.most_in_flight = 0  # requests that wait or are handled now, and at most so far
        self.verbose = False
        self.servers: list[HubServer] = []

    def __enter__(self) -> Self:
        for server in self.servers:
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for server in self.servers:
            server.stop()

    def count(self, method: str = ".*", path: str = "") -> int:
        """Requests so far that fit two regexes, the path's searched anywhere."""
        return sum(bool(re.fullmatch(method, r.method) and re.search(path, r.path)) for r in self.requests)

    def writes(self) -> list[Request]:
        """Requests so far that change something, or would have if they had been allowed."""
        return [r for r in self.requests if r.method not in ("GET", "HEAD") and not re.search(ASKS, r.path)]

    def fault(self, method: str, path: str, **how: object) -> Fault:
        """Injects a Fault: `hub.fault("POST", r"/commit/", status=503)`."""
        self.faults.append(Fault(method, path, **how))
        return self.faults[-1]

    @contextmanager
    def in_progress(self) -> Iterator[None]:
        """Around a request until its answer is known."""
        with self.lock:
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            yield
        finally:
            with self.lock:
                self.in_flight -= 1

    def admit(self, call: Call, parts: dict[str, str], origin: str, need: str | None) -> None:
        """Raises HubError when the caller may not; may take the parts of the path that a handler does not want."""

    def limited(self, call: Call, origin: str) -> dict[str, str]:
        """Headers for every answer; raises HubError when the caller has sent too many requests."""
        return {}

    def save(self) -> None:
        """Called after each request that was not a GET."""


class LocalHub(Site):
    """The Hub, as a context manager; its methods see the state directly, without HTTP.

    >>> with LocalHub() as hub:
    ...     hub.create_repo("me/model", files={"README.md": b"# Hello"})
    ...     HfApi(endpoint=hub.url, token=hub.token).model_info("me/model")

    `user` owns `token` (role write) and the organization `{user}-org`; `read_token` is the same user's, role read.
    """

    def __init__(self, port: int = 0, folder: Path | str | None = None, user: str = "me"):
        super().__init__()
        self.user, self.folder = user, Path(folder) if folder else None
        self.users: dict[str, dict[str, str]] = {}  # name -> {organization: role}
        self.tokens: dict[str, Token] = {}
        self.repos: dict[tuple[str, str], Repo] = {}
        self.blobs = Blobs(self.folder / "blobs" if self.folder else None)
        self.uploads: dict[str, bytes] = {}  # LFS contents that wait for verification
        self.paying: set[str] = set()  # accounts that may ask for paid hardware
        self.without_spaces: set[str] = set()  # accounts whose plan has no Gradio Spaces
        self.verify_tokens: set[str] = set()  # with one of these as its verifyToken a result is verified
        self.rates: dict[str | None, dict[str, tuple[int, float]]] = {}  # token -> kind -> (quota, window)
        self.budgets: dict[tuple[str | None, str], Budget] = {}  # what is left of these, by caller and kind
        self.clock: Callable[[], float] = time.monotonic  # of the budgets; a test may put its own here
        self.handlers = Handlers(self)
        self.jobs = Jobs(self)
        self.load()
        if user not in self.users:
            self.add_user(user, orgs={f"{user}-org": "admin"})
            self.add_token(user, "read")
        job_handlers = JobHandlers(self, HubError, Answer, self.handlers.paged)
        self.servers = [
            HubServer(self, "hub", ROUTES, port, self.handlers),
            HubServer(self, "cdn", CDN_ROUTES, 0, self.handlers),
            HubServer(self, "cas", CAS_ROUTES, 0, job_handlers),
        ]
        self.servers[0].add_routes(JOB_ROUTES, job_handlers)
        api, cdn, cas = (server.server_address[1] for server in self.servers)
        self.cas_url = f"http://127.0.0.1:{cas}"
        # Another host name, as the real CDN has: clients that follow redirects by host then leave their token behind.
        self.url, self.cdn_url = f"http://127.0.0.1:{api}", f"http://localhost:{cdn}"

    # What tests call

    @property
    def token(self) -> str:
        return next(token.secret for token in self.tokens.values() if (token.user, token.role) == (self.user, "write"))

    @property
    def read_token(self) -> str:
        return next(token.secret for token in self.tokens.values() if (token.user, token.role) == (self.user, "read"))

    def add_user(self, name: str, orgs: dict[str, str] | None = None) -> str:
        """A user with roles in organizations ("admin", "write" or "read"); returns a write token."""
        self.users[name] = orgs or {}
        return self.add_token(name)

    def add_token(
        self, user: str, role: str = "write", scopes: dict | None = None, everywhere: Sequence[str] = ()
    ) -> str:
        """Role "write", "read" or "fineGrained": then `scopes={"me/model": ["repo.write"]}` and global permissions."""
        token = Token(f"hf_local_{secrets.token_hex(12)}", user, role, scopes or {}, list(everywhere))
        self.tokens[token.secret] = token
        self.save()
        return token.secret

    def create_repo(self, repo_id: str, repo_type: str = "model", files: dict | None = None, **options: object) -> Repo:
        """`files` (path -> bytes or str) make a commit.

        Options: private=True, gated="manual", allowed=["user"], trending=12.5 (the trendingScore of lists).
        """
        with self.lock:
            repo = self.new_repo(f"{repo_type}s", repo_id, self.user, **options)
            if files:
                self.commit(repo_id, files, repo_type=repo_type)
            return repo

    def create_benchmark(self, dataset_id: str, tasks: Sequence[str | dict], name: str = "", **options: object) -> Repo:
        """A dataset with the eval.yaml that makes it a Benchmark. `tasks`: ids, or whole entries with an id.

        Options are those of `create_repo`.
        """
        files = {"eval.yaml": eval_yaml(name or dataset_id.split("/")[1], tasks)}
        return self.create_repo(dataset_id, "dataset", files, **options)

    def commit(
        self, repo_id: str, files: dict, message="Change files", revision="main", repo_type="model", user=""
    ) -> str:
        """Commits as somebody else would, past the client: path -> bytes, str, or None to delete. Returns the id."""
        with self.lock:
            repo = self.repo(repo_id, repo_type)
            head = repo.at(revision)
            changed = {
                path: data if data is None else self.store(path, data, head.tree) for path, data in files.items()
            }
            tree = patched(head.tree, changed)
            oid = repo.add_commit(repo.ref(revision), head, tree, message, "", user or self.user).oid
            self.save()
            return oid

    def repo(self, repo_id: str, repo_type: str = "model") -> Repo:
        return self.repos[f"{repo_type}s", repo_id]

    def files(self, repo_id: str, revision: str = "main", repo_type: str = "model") -> dict[str, bytes]:
        tree = self.repo(repo_id, repo_type).at(revision).tree
        return {path: self.blobs.get(entry.key) for path, entry in sorted(tree.items())}

    def commits(self, repo_id: str, revision: str = "main", repo_type: str = "model") -> list[Commit]:
        """Newest first; the last one is the "initial commit" that made the repo."""
        return self.repo(repo_id, repo_type).history(revision)

    def pull_requests(self, repo_id: str, repo_type: str = "model") -> list[Discussion]:
        return [item for item in self.repo(repo_id, repo_type).discussions if item.base]

    def environment(self, home: Path | str, token: str | None = None) -> dict[str, str]:
        """Variables with which a huggingface_hub in another process talks to this Hub and to nothing else."""
        return {
            "HF_ENDPOINT": self.url,
            "HF_TOKEN": token or self.token,
            "HF_HOME": str(home),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "NO_PROXY": ",".join(filter(None, [os.environ.get("NO_PROXY"), "127.0.0.1", "localhost"])),
        }

    # Permissions and limits

    def admit(self, call: Call, parts: dict[str, str], origin: str, need: str | None) -> None:
        """Who is it, and which repo; takes the repo's parts out of the path's."""
        if origin == "cdn" and "authorization" in call.headers:
            raise HubError(400, "Only one auth mechanism allowed")  # as S3: a leaked token must not go unnoticed
        if origin == "cas":  # its tokens are its own
            if call.headers.get("authorization", "").removeprefix("Bearer ") not in self.jobs.xet_tokens:
                raise HubError(401, "Invalid Xet token")
            return
        call.token = self.authenticate(call.headers.get("authorization"))
        if "repo" in parts:
            kind = parts.pop("kind", "") or parts.pop("prefix").rstrip("/") or "models"
            call.repo = self.repos.get((kind, parts.pop("repo")))
            if call.repo is None:
                raise self.not_found(call.token)
            self.require(call.token, call.repo, need)

    def limit_rate(
        self, api: int | None = None, resolvers: int | None = None, window: float = 300, token: str | None = None
    ) -> None:
        """From now on at most so many requests per window of seconds: for `token`, or for each caller by itself.

        `resolvers` are downloads, `api` everything else under /api/; None sets no limit. Over it the answer is 429.
        """
        quotas = {"api": api, "resolvers": resolvers}
        self.rates[token] = {kind: (quota, window) for kind, quota in quotas.items() if quota is not None}
        self.budgets.clear()

    def limited(self, call: Call, origin: str) -> dict[str, str]:
        caller = call.headers.get("authorization", "").removeprefix("Bearer ") or None
        rates = self.rates.get(caller, self.rates.get(None, {}))
        download = re.search(r"^/api/resolve-cache/|^/[^/]+/[^/]+(/[^/]+)?/(resolve|raw)/", call.path)
        kind = "resolvers" if download else "api" if call.path.startswith("/api/") else ""
        if origin != "hub" or kind not in rates:
            return {}
        budget = self.budgets.setdefault((caller, kind), Budget(kind, *rates[kind]))
        allowed, headers = budget.spend(self.clock())
        if not allowed:
            raise HubError(429, "We had to rate limit you, you hit the quota.", **headers)
        return headers

    def role(self, user: str, namespace: str) -> str | None:
        return "admin" if user == namespace else self.users[user].get(namespace)

    def permitted(self, token: Token | None, repo: Repo, need: str) -> bool:
        """What the user may do, cut down to what the token may."""
        if token is None:
            return need == "read" and not repo.private
        role = self.role(token.user, repo.owner)
        may = role in ("admin", "write") if need == "write" else bool(role) or not repo.private
        return may and token.allows(need, repo.id, repo.private)

    def require(self, token: Token | None, repo: Repo, need: str) -> None:
        """Raises what the Hub answers to somebody who may not."""
        if not self.permitted(token, repo, "read"):
            raise self.not_found(token)
        if need == "files":
            if repo.gated and not (token and (self.role(token.user, repo.owner) or token.user in repo.allowed)):
                message = f"Access to {repo.kind[:-1]} {repo.id} is restricted and you are not in the authorized list."
                raise HubError(403 if token else 401, message, "GatedRepo")
        elif not self.permitted(token, repo, need):
            if token is None:
                raise HubError(401, "Invalid username or password.")
            lacking = READ_ONLY if token.role == "read" else OPEN_A_PR
            raise HubError(403, lacking)

    def not_found(self, token: Token | None) -> HubError:
        """A repo that is private looks as if it did not exist; who is not logged in gets 401 for both."""
        message = "Repository not found" if token else "Invalid username or password."
        return HubError(404 if token else 401, message, "RepoNotFound")

    def authenticate(self, header: str | None) -> Token | None:
        if header is None:
            return None
        token = self.tokens.get(header.removeprefix("Bearer "))
        if token is None:
            raise HubError(401, "Invalid credentials in Authorization header")
        return token

    # State

    def new_repo(self, kind: str, repo_id: str, author: str, **options: object) -> Repo:
        repo = self.repos[kind, repo_id] = Repo(kind, repo_id, created=now(), **options)
        start = {".gitattributes": self.handlers.regular(".gitattributes", gitattributes(kind))}
        repo.add_commit("refs/heads/main", None, start, "initial commit", "", author)
        self.save()
        return repo

    def store(self, path: str, data: bytes | str, tree: dict[str, Entry]) -> Entry:
        data = data.encode() if isinstance(data, str) else data
        if goes_to_lfs(path, len(data), data[:512], self.text(tree.get(".gitattributes"))):
            return self.blobs.put(lfs_entry(hashlib.sha256(data).hexdigest(), len(data)), data)
        return self.blobs.put(Entry(git_oid("blob", data), len(data)), data)

    def card(self, commit: Commit) -> dict:
        try:
            return front_matter(self.text(commit.tree.get("README.md")))
        except yaml.YAMLError:
            return {}

    def text(self, entry: Entry | None) -> str:
        """A file as git sees it: the pointer of an LFS file."""
        data = b"" if entry is None else lfs_pointer(entry.lfs, entry.size) if entry.lfs else self.blobs.get(entry.key)
        return data.decode(errors="replace")

    def save(self) -> None:
        if not self.folder:
            return
        tokens, repos = ([asdict(item) for item in group.values()] for group in (self.tokens, self.repos))
        new = self.folder / "state.json.new"
        new.touch(mode=0o600)
        new.write_text(json.dumps({"users": self.users, "tokens": tokens, "repos": repos}), encoding="utf-8")
        new.replace(self.folder / "state.json")

    def load(self) -> None:
        if not self.folder or not (self.folder / "state.json").exists():
            return
        state = json.loads((self.folder / "state.json").read_text(encoding="utf-8"))
        self.users = state["users"]
        self.tokens = {item["secret"]: Token(**item) for item in state["tokens"]}
        for item in state["repos"]:
            for commit in item["commits"].values():
                commit["tree"] = {path: Entry(**entry) for path, entry in commit["tree"].items()}
            item["commits"] = {oid: Commit(**commit) for oid, commit in item["commits"].items()}
            item["discussions"] = [Discussion(**discussion) for discussion in item["discussions"]]
            self.repos[item["kind"], item["id"]] = Repo(**item)


class ArtificialAnalysis(Site):
    """The one endpoint of artificialanalysis.ai that the project reads, with made-up models of made-up creators.

    >>> with ArtificialAnalysis() as aa:
    ...     aa.fault("GET", "models", status=429, headers={"Retry-After": "2"})
    ...     urlopen(Request(aa.url + "/api/v2/data/llms/models", headers={"x-api-key": aa.key}))

    `payload` is what it answers; a test may change it. The text of its errors is a guess.
    """

    def __init__(self, payload: dict | None = None, port: int = 0):
        super().__init__()
        self.key = f"aa_local_{secrets.token_hex(12)}"
        self.payload = json.loads(AA_PAYLOAD.read_text(encoding="utf-8")) if payload is None else payload
        self.servers = [HubServer(self, "aa", AA_ROUTES, port, self)]
        self.url = f"http://127.0.0.1:{self.servers[0].server_address[1]}"

    def admit(self, call: Call, parts: dict[str, str], origin: str, need: str | None) -> None:
        key = call.headers.get("x-api-key")
        if key != self.key:
            raise HubError(401, "Invalid API key" if key else "Missing API key: send it in the header x-api-key")

    def models(self, call: Call) -> dict:
        return self.payload

    def environment(self) -> dict[str, str]:
        return {"AA_API_BASE": self.url, "AA_API_KEY": self.key}


# --- HTTP ---


class Dropped(Exception):
    """The connection ends here, without an answer or in the middle of one."""


class HubServer(socketserver.ThreadingTCPServer):
    """One origin: a port on the loopback address and its routes."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, site: Site, origin: str, routes: list[tuple], port: int, handlers: object):
        super().__init__(("127.0.0.1", port), HttpHandler)
        self.site, self.origin, self.open, self.routes = site, origin, set(), []
        self.add_routes(routes, handlers)

    def add_routes(self, routes: list[tuple], handlers: object) -> None:
        self.routes += [(m, compiled(pattern), getattr(handlers, name), need) for m, pattern, name, need in routes]

    def process_request(self, request, client_address) -> None:
        self.open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request) -> None:
        self.open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request, client_address) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # a client that went away is no error
            super().handle_error(request, client_address)

    def stop(self) -> None:
        """Ends kept-alive connections too, so that no client goes on talking to a Hub that is gone."""
        self.shutdown()
        self.server_close()
        for request in list(self.open):
            with suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)

    def dispatch(self, call: Call) -> Answer:
        """Finds the route, checks token and permission, calls the handler."""
        method = "GET" if call.method == "HEAD" else call.method
        if urlsplit(f"//{call.headers.get('host', '')}").hostname not in ("127.0.0.1", "localhost"):
            raise HubError(403, "This Hub answers to 127.0.0.1 only")  # a web page elsewhere must not reach it by DNS
        for route_method, pattern, handler, need in self.routes:
            match = pattern.fullmatch(call.path)
            if match and route_method == method:
                parts = {name: unquote(part) for name, part in match.groupdict().items()}
                self.site.admit(call, parts, self.origin, need)
                answer = handler(call, **parts)
                return answer if isinstance(answer, Answer) else json_answer(answer)
        raise HubError(404, "Sorry, we can't find the page you are looking for.")


def compiled(pattern: str) -> re.Pattern:
    return re.compile(re.sub(r"\{(\w+)\}", lambda m: f"(?P<{m[1]}>{PARTS[m[1]]})", pattern))


class HttpHandler(BaseHTTPRequestHandler):
    """One connection, kept alive: read, inject faults, dispatch, answer."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body of an answer are two writes
    wbufsize = -1

    def handle_request(self) -> None:
        site, split = self.server.site, urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        facts = (self.command, unquote(split.path), split.query, self.server.origin, "authorization" in headers)
        log = Request(*facts, at=time.time())
        with site.lock:
            site.requests.append(log)
            hits = [fault for fault in site.faults if fault.hits(self.command, unquote(self.path))]
        fault = hits[0] if hits else Fault("", "")
        call = Call(self.command, split.path, parse_qs(split.query, keep_blank_values=True), headers)
        try:
            with site.in_progress():
                answer = self.answer(call, fault)
            log.status = answer.status
            self.send(answer, cut=fault.drop == "download")
        except (Dropped, ConnectionError):
            self.close_connection = True
        if site.verbose:
            print(f"{log.status} {log.method} {log.path}", file=sys.stderr)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = handle_request

    def answer(self, call: Call, fault: Fault) -> Answer:
        """The handler's answer, or an error's; raises Dropped when the fault says that none goes out."""
        time.sleep(self.server.site.latency + fault.delay)
        if fault.drop == "upload":
            self.rfile.read(int(call.headers.get("content-length") or 2) // 2)
            raise Dropped
        call.body = damaged(self.read_body(call.headers), fault.corrupt)
        if fault.drop == "before":
            raise Dropped
        if fault.before:
            fault.before()
        try:
            if fault.status and fault.body is not None:
                answer = Answer(fault.status, fault.body, {"Content-Type": "text/html", **fault.headers})
            elif fault.status:
                raise HubError(fault.status, fault.message, fault.code, **fault.headers)
            else:
                answer = self.handled(call)
        except HubError as error:
            told = {"X-Error-Code": error.code} if error.code else {}
            told["X-Error-Message"] = error.message.partition("\n")[0]  # HEAD has no body, and 403 shows only this
            answer = json_answer({"error": error.message}, error.status, **told, **error.headers)
        if fault.drop == "answer":
            raise Dropped
        return answer

    def handled(self, call: Call) -> Answer:
        site = self.server.site
        with site.lock:
            told = site.limited(call, self.server.origin)
            try:
                answer = self.server.dispatch(call)
            except HubError as error:
                error.headers |= told
                raise
            except (KeyError, ValueError, TypeError, AttributeError, IndexError) as error:
                site.errors.append(traceback.format_exc())
                raise HubError(400, f"Malformed request: {error!r}", **told) from error
            if call.method not in ("GET", "HEAD"):
                site.save()
            elif call.path.startswith("/api/") and answer.status == 200 and "ETag" not in answer.headers:
                tag = f'W/"{hashlib.sha1(answer.body).hexdigest()}"'
                fresh = call.headers.get("if-none-match") == tag
                answer = Answer(304, b"", dict(answer.headers)) if fresh else answer
                answer.headers |= {"ETag": tag}
            answer.headers |= told
            return answer

    def read_body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding", "").lower() != "chunked":
            length = int(headers.get("content-length") or 0)
            body = self.rfile.read(length)
            if len(body) < length:
                raise ConnectionError("the client went away")
            return body
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0] or b"0", 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def send(self, answer: Answer, cut: bool) -> None:
        self.send_response(answer.status)
        for name, value in {"X-Content-Type-Options": "nosniff", **answer.headers}.items():
            self.send_header(name, re.sub(r"[^ -~]", "?", value))
        if answer.stream is not None:
            self.send_parts(answer.stream)
            return
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        body = b"" if self.command == "HEAD" else answer.body
        self.wfile.write(body[: len(body) // 2] if cut else body)
        self.wfile.flush()
        if cut:
            raise Dropped

    def send_parts(self, parts: Iterator[bytes]) -> None:
        """The rest of an answer whose length is not known, in chunks."""
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for part in parts:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        """hub.requests is the log."""


def damaged(body: bytes, how: str) -> bytes:
    if not body or not how:
        return body
    return body[: len(body) // 2] if how == "cut" else bytes([body[0] ^ 1]) + body[1:]


# --- This process's client, and the command line ---


@contextmanager
def local_hub(home: Path | str, **options: object) -> Iterator[LocalHub]:
    """A LocalHub that this process's huggingface_hub uses by itself until the block ends.

    The client reads its settings at import, so its constants are exchanged as well as the environment.
    """
    from huggingface_hub import close_session, constants, hf_api

    with LocalHub(**options) as hub, ExitStack() as stack:
        environment, home = hub.environment(home), Path(home)
        values = {
            "ENDPOINT": hub.url,
            "HUGGINGFACE_CO_URL_TEMPLATE": hub.url + "/{repo_id}/resolve/{revision}/{filename}",
            "HF_HOME": str(home),
            "HF_HUB_CACHE": str(home / "hub"),
            "HF_TOKEN_PATH": str(home / "token"),
            "HF_STORED_TOKENS_PATH": str(home / "stored_tokens"),
            "HF_HUB_OFFLINE": False,
            "HF_HUB_DISABLE_XET": True,
            "HF_HUB_DISABLE_TELEMETRY": True,
        }
        stack.enter_context(mock.patch.dict(os.environ, environment))
        for name in ("HF_HUB_OFFLINE", "HF_HUB_CACHE", "HF_TOKEN_PATH", "HF_OIDC_RESOURCE", "HUGGING_FACE_HUB_TOKEN"):
            os.environ.pop(name, None)
        for name, value in values.items():
            stack.enter_context(mock.patch.object(constants, name, value))
        stack.enter_context(mock.patch.object(hf_api.api, "endpoint", hub.url))
        stack.callback(close_session)  # so that no connection outlives the Hub that it leads to
        close_session()
        yield hub


def add_examples(hub: LocalHub) -> None:
    """BENCHMARKS, two models with results, and one of the user's with a table in its card. What exists stays."""
    for dataset_id, (name, tasks, _) in BENCHMARKS.items():
        if ("datasets", dataset_id) not in hub.repos:
            hub.create_benchmark(dataset_id, tasks, name)
    models = {f"{hub.user}/made-up-1b": {"README.md": f"---\n{MADE_UP}{TABLE}"}}
    for number, model in enumerate(("made-up-7b", "made-up-70b")):
        results = {
            f".eval_results/{tasks[0].split('/')[-1]}.yaml": eval_file(dataset_id, tasks[0], scores[number])
            for dataset_id, (_, tasks, scores) in BENCHMARKS.items()
        }
        models[f"example-lab/{model}"] = {"README.md": f"---\n{MADE_UP}", **results}
    for trending, (repo_id, files) in enumerate(models.items(), 1):
        if ("models", repo_id) not in hub.repos:
            hub.create_repo(repo_id, files=files, trending=trending)


def eval_file(dataset_id: str, task_id: str, value: float) -> str:
    dataset = {"id": dataset_id, "task_id": task_id}
    return yaml.safe_dump([{"dataset": dataset, "value": value, "notes": "Invented"}], sort_keys=False)


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=8765, help="port on 127.0.0.1 (default: 8765; 0: any free one)")
    parser.add_argument("--dir", type=Path, help="folder that keeps repos and tokens (default: in memory)")
    parser.add_argument("--user", default="me", help="name of the user that the token belongs to (default: me)")
    parser.add_argument("--run-jobs", action="store_true", help="run submitted jobs for real, with `uv run`, here")
    parser.add_argument("--verbose", action="store_true", help="one line per request on stderr")
    return parser


def serve(hub: LocalHub, variables: dict[str, str]) -> None:
    """Prints the variables and waits for Ctrl-C; SIGINT is set because a background job starts with it ignored."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        for name, value in variables.items():
            print(f"export {name}={shlex.quote(value)}", flush=True)
        print(f"Local Hub at {hub.url}: paste the lines above into another terminal. Ctrl-C stops it.", file=sys.stderr)
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)


def main(argv: Sequence[str] | None = None) -> int:
    args = build_parser().parse_args(argv)
    try:
        hub, analysis = LocalHub(args.port, args.dir, args.user), ArtificialAnalysis()
        add_examples(hub)
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"error: cannot start on port {args.port}: {error}; --port N takes another", file=sys.stderr)
        return 2
    hub.verbose = analysis.verbose = args.verbose
    with tempfile.TemporaryDirectory(prefix="local-hub-") as home, hub, analysis:
        if args.run_jobs:
            hub.jobs.runner = Process(hub, Path(home) / "jobs")
        home = str(args.dir.resolve() / "hf-home") if args.dir else home
        serve(hub, hub.environment(home) | analysis.environment())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
