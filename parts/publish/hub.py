"""A repo on the Hub as publishing needs it: card, results, pull requests."""

from __future__ import annotations

import contextlib
import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parts.frame import MAX_TRIES, ScriptError, note, write_whole
from parts.hub.access import HUB_REASONS
from parts.hub.benchmarks import BenchmarkSource, official_benchmarks
from parts.hub.retry import rate_limited, seconds_to_wait, worth_repeating
from parts.hub.token import read_token
from parts.inputs import MAX_CARD_FILE, input_bytes
from parts.metadata.front_matter import EVAL_RESULTS, MAX_CARD, read_metadata
from parts.metadata.merge import canonical, decode_strict
from parts.metadata.official import OfficialList
from parts.metadata.plan import Change, RepoState
from parts.metadata.scale import Leaderboard, leaderboard_scale, ranked_downwards


class Hub:
    """Models on the Hub, through its own client; reads that the client itself does not repeat are repeated."""

    def __init__(self, token: str | None) -> None:
        from huggingface_hub import HfApi

        self.token = token
        self.api = HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None, token=token)
        self.boards: dict[str, Leaderboard] = {}
        self.benchmarks: OfficialList | None = None
        self.line = threading.RLock()  # held while a call that the rate limit refused is made again

    def read(self, call: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Call, and call again on 429, 5xx and broken connections: at most MAX_TRIES times, when the Hub says."""
        return self.repeat(worth_repeating, call, *args, **options)

    def write(self, call: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Call, and call again when the commit itself met a 429: after any other failure it may have been done."""
        return self.repeat(
            lambda error: rate_limited(error) and "/commit/" in str(error.response.url), call, *args, **options
        )

    def repeat(
        self, which: Callable[[BaseException], bool], call: Callable[..., Any], *args: Any, **options: Any
    ) -> Any:
        """Call again after some errors; after a rate limit one caller at a time, else all would meet it again."""
        import tenacity

        with contextlib.ExitStack() as held:

            def pause(state: Any) -> None:
                seconds = seconds_to_wait(state)
                until = time.monotonic() + seconds
                if rate_limited(state.outcome.exception()):
                    held.enter_context(self.line)
                if seconds > 5:
                    note(f"the Hub asks to wait; again in {max(0, until - time.monotonic()):.0f} s")
                time.sleep(max(0, until - time.monotonic()))

            rule = tenacity.Retrying(
                retry=tenacity.retry_if_exception(which),
                before_sleep=pause,
                stop=tenacity.stop_after_attempt(MAX_TRIES),
                reraise=True,
            )
            try:
                return rule(call, *args, **options)
            except json.JSONDecodeError as error:
                raise ScriptError(f"{self.api.endpoint}: an answer is not JSON; is HF_ENDPOINT right?") from error

    def info(self, repo_id: str, revision: str | None = None) -> Any:
        return self.read(self.api.model_info, repo_id, revision=revision, expand=["sha", "siblings"])

    def state(self, repo_id: str, revision: str | None = None, info: Any = None) -> RepoState:
        """The card and the evaluation results of a model, all of one commit."""
        info = info or self.info(repo_id, revision)
        names = [file.rfilename for file in info.siblings or []]
        files = {
            name: decode_strict(self.content(repo_id, name, info.sha), name)
            for name in names
            if name.startswith(EVAL_RESULTS) and name.endswith((".yaml", ".yml"))
        }
        card = self.content(repo_id, "README.md", info.sha) if "README.md" in names else None
        return RepoState(info.sha, card, files)

    def content(self, repo_id: str, path: str, revision: str, repo_type: str | None = None) -> bytes:
        """A file's bytes, in one GET (hf_hub_download asks twice before it fetches)."""
        from huggingface_hub import get_session, hf_hub_url
        from huggingface_hub.utils import build_hf_headers, hf_raise_for_status

        url = hf_hub_url(repo_id, path, revision=revision, repo_type=repo_type, endpoint=self.api.endpoint)
        headers = build_hf_headers(token=self.token)

        def get() -> bytes:
            with get_session().stream("GET", url, headers=headers, follow_redirects=True, timeout=30) as answer:
                if answer.status_code >= 400:
                    answer.read()
                hf_raise_for_status(answer)
                data = bytearray()
                for part in answer.iter_bytes():
                    data += part
                    if len(data) > MAX_CARD:
                        raise ScriptError(f"{repo_id}/{path} is larger than the {MAX_CARD:,} bytes that are read")
                return bytes(data)

        return self.read(get)

    def leaderboard(self, dataset_id: str) -> Leaderboard:
        """Whether a dataset is a Benchmark, its tasks, and the scale of its leaderboard; asked once."""
        if dataset_id not in self.boards:
            self.boards[dataset_id] = self.fetch_leaderboard(dataset_id)
        return self.boards[dataset_id]

    def official(self, refresh: bool = False) -> OfficialList:
        """The Hub's official Benchmarks; asked once, and kept on disk for a day."""
        with self.line:
            if self.benchmarks is None or refresh:
                source = BenchmarkSource(self.list_benchmarks, self.eval_yaml, self.api.endpoint, self.token or "")
                offline = "HF_HUB_OFFLINE is set" if is_offline() else ""
                self.benchmarks = official_benchmarks(source, offline, refresh)
            return self.benchmarks

    def list_benchmarks(self) -> list[tuple[str, str | None, bool]]:
        found = self.read(lambda: list(self.api.list_datasets(benchmark=True, expand=["sha", "gated"])))
        return [(item.id, item.sha, bool(item.gated)) for item in found]

    def eval_yaml(self, dataset_id: str, sha: str | None) -> bytes:
        return self.content(dataset_id, "eval.yaml", sha or "main", repo_type="dataset")

    def fetch_leaderboard(self, dataset_id: str) -> Leaderboard:
        """A Benchmark's tasks, and the scale and direction of its leaderboard; a refused leaderboard has no entries."""
        from huggingface_hub.errors import HfHubHTTPError

        found = self.official().get(dataset_id)
        if found is None and self.official().basis == "cache":
            found = self.official(refresh=True).get(dataset_id)  # it may be a Benchmark since this morning
        if found is None:
            return Leaderboard(dataset_id, reason=f"it is no official Benchmark ({self.official().about})")
        try:
            entries = self.read(self.api.get_dataset_leaderboard, dataset_id, base_model_only=False)
        except HfHubHTTPError as error:
            if error.response is None or error.response.status_code not in (400, 401, 403, 404):
                raise
            entries = []
        values = [entry.value for entry in entries]
        tasks = tuple(task.id for task in found.tasks)
        lower = ranked_downwards(values) if found.lower_is_better is None else found.lower_is_better
        scale = found.unit or leaderboard_scale(values)
        return Leaderboard(dataset_id, tasks, scale, entries=len(values), lower_is_better=lower)

    def pull_requests(self, repo_id: str) -> list[PullRequest]:
        """The open pull requests, and whether each touches evaluation metadata: by its diff, then by its card."""
        found = self.read(
            lambda: list(
                self.api.get_repo_discussions(repo_id, discussion_type="pull_request", discussion_status="open")
            )
        )
        return [self.pull_request(repo_id, item) for item in found]

    def pull_request(self, repo_id: str, item: Any) -> PullRequest:
        details = self.read(self.api.get_discussion_details, repo_id, item.num)
        files = changed_files(details.diff or "")
        touches = any(name.startswith(EVAL_RESULTS) for name in files)
        if not touches and ("README.md" in files or not files):  # no diff: it is empty, or too large to be shown
            touches = self.other_results(repo_id, item.git_reference or f"refs/pr/{item.num}")
        created = item.created_at.strftime("%Y-%m-%d") if item.created_at else ""
        return PullRequest(item.num, item.title, item.author, created, item.url, item.status, touches)

    def other_results(self, repo_id: str, revision: str) -> bool:
        """Whether a pull request's results differ from main's, and from those that it started from."""
        theirs = self.results(repo_id, revision)
        if theirs == self.results(repo_id, None):
            return False
        main = {commit.commit_id for commit in self.read(self.api.list_repo_commits, repo_id)}
        own = self.read(self.api.list_repo_commits, repo_id, revision=revision)
        base = next((commit.commit_id for commit in own if commit.commit_id in main), None)
        return base is None or theirs != self.results(repo_id, base)

    def results(self, repo_id: str, revision: str | None) -> tuple[Any, ...]:
        """What stands for all evaluation metadata at a revision; metadata that cannot be read is like no other."""
        state = self.state(repo_id, revision)
        try:
            front = read_metadata(decode_strict(state.card or b"", "README.md"), "README.md")
        except ScriptError:
            return (state.card, state.files)
        return (canonical(front.values.get("model-index")), state.files)

    def open_pull_request(self, repo_id: str, number: int) -> None:
        """ScriptError unless the number is an open pull request: a commit to any other would be seen by nobody."""
        from huggingface_hub.errors import HfHubHTTPError

        try:
            item = self.read(self.api.get_discussion_details, repo_id, number)
        except HfHubHTTPError as error:
            if error.response is None or error.response.status_code != 404:
                raise
            raise ScriptError(f"{repo_id} has no pull request #{number}, or it is not to be seen") from error
        if not item.is_pull_request or item.status not in ("open", "draft"):
            what = f"a {item.status} pull request" if item.is_pull_request else "a discussion, no pull request"
            raise ScriptError(f"{repo_id} #{number} is {what}; `get-prs --repo-id {repo_id}` lists the open ones")


def is_offline() -> bool:
    """Whether the user has told the client to ask nothing."""
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def shipped_or_kept() -> OfficialList:
    """The official Benchmarks as they are known here; nothing is asked."""
    hub = Hub(read_token())
    source = BenchmarkSource(list, hub.eval_yaml, hub.api.endpoint, hub.token or "")
    return official_benchmarks(source, "the Hub is not asked")


@dataclass(frozen=True, slots=True)
class PullRequest:
    number: int
    title: str
    author: str
    date: str  # when it was opened, YYYY-MM-DD
    url: str
    status: str
    evaluation: bool  # it touches model-index or .eval_results


def changed_files(diff: str) -> set[str]:
    """The names in a git diff's headers; git quotes unusual ones."""
    pairs = re.findall(r'^diff --git "?a/(.+?)"? "?b/(.+?)"?$', diff, re.M)
    return {name for pair in pairs for name in pair}


@contextlib.contextmanager
def card_errors(where: str) -> Iterator[None]:
    """Turn what the client raises when a model is read into one line that says what to do."""
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        yield
    except ScriptError:
        raise
    except HFValidationError as error:
        raise ScriptError(f"--repo-id must be OWNER/NAME, not {where!r}") from error
    except GatedRepoError as error:
        raise ScriptError(
            f"{where} is gated: a token of an account with access is needed "
            "(accept its terms on the Hub, then `hf auth login` or HF_TOKEN)"
        ) from error
    except RevisionNotFoundError as error:
        raise ScriptError(f"{where}: no such revision") from error
    except RepositoryNotFoundError as error:
        raise ScriptError(
            f"{where} does not exist, or is private: then a token with access is needed (`hf auth login` or HF_TOKEN)"
        ) from error
    except EntryNotFoundError as error:
        raise ScriptError(f"{where} has no README.md") from error
    except Exception as error:  # network, proxy, 5xx: whatever the client raises, in one line
        status = getattr(getattr(error, "response", None), "status_code", None)
        why = HUB_REASONS.get(status) or " ".join(str(error).split())[:300] or type(error).__name__
        raise ScriptError(f"{where}: could not be read: {why}") from error


def fetch_state(repo_id: str, revision: str | None) -> RepoState:
    """A model's card and results on the Hub; each failure is one line that says what to do."""
    with card_errors(f"{repo_id}{f' at {revision}' if revision else ''}"):
        return Hub(read_token()).state(repo_id, revision)


def read_clone(card: Path) -> RepoState:
    """A card on disk, and the .eval_results beside it."""
    try:
        data = input_bytes(card, MAX_CARD_FILE)
        files = {
            EVAL_RESULTS + path.name: decode_strict(input_bytes(path, MAX_CARD_FILE), str(path))
            for path in sorted((card.parent / ".eval_results").glob("*.y*ml"))
        }
    except OSError as error:
        raise ScriptError(f"{card}: {error.strerror or error}") from error
    return RepoState(None, data, files, str(card))


def write_clone(card: Path, change: Change) -> None:
    for path, data in change.files.items():
        target = card if path == "README.md" else card.parent / path
        write_whole(target, data.decode("utf-8"))
