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
files go through LFS; a merge squashes the pull request into one commit; a repo that is renamed, or named in other
letters, is answered by a redirect; answers have an ETag with the signs of base64, and long ones are compressed; files
that the target's .gitignore names are left out by the client; names that differ in the case of letters alone are one;
an error is plain text where a page or a file was asked for; a large file has the headers of Xet's. Left out: Xet itself
for repos (HF_HUB_DISABLE_XET=1 makes the client use LFS), multipart uploads, editing comments. The answers to edge
cases that the client's source does not show (merging a draft: 400; an archived repo: 403, and `archived` in what is
told of it) are guesses.

Exit codes: 0 stopped by Ctrl-C or SIGTERM, 2 could not start (port in use, unreadable state).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import secrets
import shlex
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from unittest import mock

import yaml
from local_hub_handlers import CDN_ROUTES, ROUTES, Handlers
from local_hub_repos import (
    Blobs,
    Commit,
    Discussion,
    Entry,
    Repo,
    Token,
    eval_yaml,
    front_matter,
    git_oid,
    gitattributes,
    goes_to_lfs,
    lfs_entry,
    lfs_pointer,
    now,
    patched,
)
from local_hub_site import Answer, Budget, Call, HubError, HubServer, Site
from local_jobs import CAS_ROUTES, JOB_ROUTES, JobHandlers, Jobs, Process

AA_ROUTES = [("GET", "/api/v2/data/llms/models", "models", None)]
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
READ_ONLY = "Forbidden: you must use a write token to upload to a repository."
OPEN_A_PR = "Forbidden: pass `create_pr=1` as a query parameter to create a Pull Request"


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
        self.renamed: dict[tuple[str, str], str] = {}  # kind and old id -> new id
        self.version = 0  # of the state, counted up with every change
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

        Options are fields of Repo: private=True, gated="manual", allowed=["user"], archived=True, disabled=True,
        trending=12.5 (the trendingScore of lists), about={"downloads": 7} (what the API says besides).
        """
        with self.lock:
            repo = self.new_repo(f"{repo_type}s", repo_id, self.user, **options)
            if files:
                self.commit(repo_id, files, repo_type=repo_type)
            return repo

    def create_benchmark(self, dataset_id: str, tasks: Sequence[str | dict], name: str = "", **options: object) -> Repo:
        """A dataset with the eval.yaml that makes it a Benchmark. `tasks`: ids, or whole entries with an id.

        Options are those of `create_repo`, and official=True for one whose eval.yaml nobody can read,
        lower_is_better=True.
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

    def open_pull_request(
        self, repo_id: str, files: dict, title="Change files", repo_type="model", user="", text="", draft=False
    ) -> int:
        """A pull request of somebody else's with one commit, past the client; returns its number."""
        with self.lock:
            repo, user = self.repo(repo_id, repo_type), user or self.user
            status, start = "draft" if draft else "open", repo.at("main").oid
            pull = repo.open_discussion(title, user, text, status, "refs/heads/main", start)
            self.commit(repo_id, files, title, pull.ref, repo_type, user)
            return pull.num

    def change_pull_request(
        self, repo_id: str, num: int, status="", title="", comment="", repo_type="model", user=""
    ) -> None:
        """What the owner does past the client: status "open", "closed" or "merged", another title, a comment."""
        with self.lock:
            repo, user = self.repo(repo_id, repo_type), user or repo_id.split("/")[0]
            pull = repo.discussions[num - 1]
            if title:
                pull.rename(user, title)
            if status == "merged":
                self.handlers.merge_pull(repo, pull, user, comment)
            elif status:
                pull.become(status, user, comment)
            elif comment:
                pull.say(user, comment)
            self.save()

    def rename(self, old: str, new: str, repo_type: str = "model") -> None:
        """Moves a repo; requests for its old name are redirected as long as nothing else is there.

        A name where no repo is ("gpt2", as the oldest models had it) is one that the repo `new` had before.
        """
        with self.lock:
            kind = f"{repo_type}s"
            repo = self.repos.pop((kind, old if (kind, old) in self.repos else new))
            repo.id = new
            self.repos[repo.kind, new] = repo
            self.renamed[repo.kind, old] = new
            self.save()

    def named(self, kind: str, repo_id: str) -> Repo | None:
        """The repo of a name: two that differ in the case of letters alone are one to the Hub."""
        alike = (
            repo for (group, other), repo in self.repos.items() if group == kind and other.lower() == repo_id.lower()
        )
        return self.repos.get((kind, repo_id)) or next(alike, None)

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
            repo_id = parts.pop("repo")
            call.repo = self.repos.get((kind, repo_id))
            if call.repo is None:
                raise self.not_found(call.token)
            self.require(call.token, call.repo, need)

    def moved(self, path: str) -> str | None:
        """Where a path leads whose repo is renamed, is named without its owner ("gpt2"), or in other letters."""
        place = re.match(r"(?:/api(?:/resolve-cache)?)?(?:/(?P<kind>models|datasets|spaces)(?=/))?/", path)
        kind, start = place["kind"] or "models", place.end()
        words = path[start:].split("/")
        for repo_id in ("/".join(words[:2]), words[0]):
            bare = repo_id.removesuffix(".git")
            if (kind, bare) in self.repos:
                return None
            there = self.named(kind, bare)
            if new := self.renamed.get((kind, bare)) or (there and there.id):
                return path[:start] + new + path[start + len(bare) :]
        return None

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
        if repo.disabled and need != "read":  # that it exists is still told, with "disabled": true
            raise HubError(403, "Access to this resource is disabled.")
        if repo.archived and need in ("write", "discuss"):
            raise HubError(403, f"This {repo.kind[:-1]} is archived and read-only")
        if repo.discussions_off and need == "discuss":
            raise HubError(403, f"Discussions are disabled for this {repo.kind[:-1]}")
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
        self.version += 1
        if not self.folder:
            return
        tokens, repos = ([asdict(item) for item in group.values()] for group in (self.tokens, self.repos))
        renamed = [[*old, new] for old, new in self.renamed.items()]
        new = self.folder / "state.json.new"
        new.touch(mode=0o600)
        new.write_text(
            json.dumps({"users": self.users, "tokens": tokens, "repos": repos, "renamed": renamed}), encoding="utf-8"
        )
        new.replace(self.folder / "state.json")

    def load(self) -> None:
        if not self.folder or not (self.folder / "state.json").exists():
            return
        state = json.loads((self.folder / "state.json").read_text(encoding="utf-8"))
        self.users = state["users"]
        self.renamed = {(kind, old): new for kind, old, new in state.get("renamed", [])}
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
            time.sleep(0.2)  # a signal that another thread got wakes no sleep
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
