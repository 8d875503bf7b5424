"""A repo on the Hub as publishing needs it: card, results, pull requests."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from parts.frame import MAX_TRIES, ScriptError, note, single_line
from parts.hub.access import HUB_REASONS, unexpected_answer
from parts.hub.answers import listed, watch_answers
from parts.hub.benchmarks import BenchmarkSource, official_benchmarks
from parts.hub.committing import UNEXPECTED, WrongBody, commit_whole, is_content, known_identity
from parts.hub.retry import NO_SUCH_HOST, no_such_host, rate_limited, seconds_to_wait, worth_repeating
from parts.hub.token import hub_token
from parts.metadata.front_matter import EVAL_FILE, EVAL_RESULTS, MAX_CARD, read_metadata
from parts.metadata.merge import UnreadableFile, canonical, decode_strict, told_of_file
from parts.metadata.official import OfficialList
from parts.metadata.plan import RepoState
from parts.metadata.scale import Leaderboard, is_plain, leaderboard_scale, ranked_downwards


class Hub:
    """Models on the Hub, through its own client; reads that the client itself does not repeat are repeated."""

    def __init__(self, token: str | None) -> None:
        from huggingface_hub import HfApi

        self.token = token
        self.api = HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None, token=token)
        self.boards: dict[str, Leaderboard] = {}
        self.benchmarks: OfficialList | None = None
        self.me: Mapping[str, Any] | None = None
        self.line = threading.RLock()  # held while a call that the rate limit refused is made again

    def read(self, call: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Call, and call again on 429, 5xx, broken connections and wrong bodies: at most MAX_TRIES times.

        ScriptError when what comes has not the form that the client expects.
        """
        import tenacity

        with contextlib.ExitStack() as held:

            def pause(state: Any) -> None:
                self.wait(state, held)

            rule = tenacity.Retrying(
                retry=tenacity.retry_if_exception(lambda error: worth_repeating(error) or is_wrong_answer(error)),
                before_sleep=pause,
                stop=tenacity.stop_after_attempt(MAX_TRIES),
                reraise=True,
            )
            watch_answers()
            try:
                return rule(call, *args, **options)
            except ScriptError:
                raise
            except UNEXPECTED as error:
                if not is_wrong_answer(error):
                    raise
                what = getattr(call, "__name__", "a request").replace("_", " ")
                raise ScriptError(f"{self.api.endpoint}: {what}: {unexpected_answer(error)}") from error

    def wait(self, state: Any, held: contextlib.ExitStack) -> None:
        """Pause before the next try; after a rate limit one caller at a time, else all would meet it again."""
        seconds, error = seconds_to_wait(state), state.outcome.exception()
        until = time.monotonic() + seconds
        if rate_limited(error):
            held.enter_context(self.line)
        if seconds > 5:
            why = "the Hub asks to wait" if getattr(error, "response", None) is not None else "the Hub does not answer"
            note(f"{why}; again in {max(0, until - time.monotonic()):.0f} s")
        time.sleep(max(0, until - time.monotonic()))

    def identity(self) -> Mapping[str, Any]:
        """Who this token belongs to."""
        if self.me is None:
            self.me = known_identity(self.read(self.api.whoami), "asking the Hub whose token this is")
        return self.me

    def info(self, repo_id: str, revision: str | None = None) -> Any:
        """A model's commit and files with their ids; ScriptError when the answer lacks them."""
        found = self.read(self.api.model_info, repo_id, revision=revision, files_metadata=True)
        if not isinstance(found.sha, str) or not isinstance(found.siblings, list):
            raise ScriptError(f"{repo_id}: the Hub's answer names no commit, or not its files; try again later")
        return found

    def state(self, repo_id: str, revision: str | None = None, info: Any = None) -> RepoState:
        """The card and the evaluation results of a model, all of one commit, each compared with its id."""
        info = info or self.info(repo_id, revision)
        ids = {file.rfilename: (file.lfs.sha256 if file.lfs else file.blob_id) or "" for file in info.siblings or []}
        files, unread = {}, {}
        for name in filter(EVAL_FILE.fullmatch, ids):
            try:
                files[name] = decode_strict(self.content(repo_id, name, info.sha, identity=ids[name]), name)
            except UnreadableFile as error:
                unread[name] = told_of_file(error, name)
        there = "README.md" in ids
        card = self.content(repo_id, "README.md", info.sha, identity=ids["README.md"]) if there else None
        closed = next((word for word in ("archived", "disabled") if getattr(info, word, None) is True), "")
        moved_to = info.id if info.id != repo_id else ""
        return RepoState(info.sha, card, files, moved_to=moved_to, closed=closed, unread=unread)

    def content(
        self, repo_id: str, path: str, revision: str, repo_type: str | None = None, identity: str = ""
    ) -> bytes:
        """A file's bytes, in one GET (hf_hub_download asks twice before it fetches), compared with its id or ETag."""
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
                        raise UnreadableFile(f"{repo_id}/{path} is larger than the {MAX_CARD:,} bytes that are read")
                if not is_content(bytes(data), identity or answer.headers.get("etag", "")):
                    raise WrongBody(f"{repo_id}/{path}: the {len(data):,} bytes that came are not the file's")
                return bytes(data)

        return self.read(get)

    def commit(self, repo_id: str, files: Mapping[str, bytes], **options: Any) -> Any:
        """One commit of these files, sent once."""
        from huggingface_hub import CommitOperationAdd

        operations = [CommitOperationAdd(path, data) for path, data in files.items()]
        return commit_whole(self.api, repo_id, operations, **options)

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
        asked = {"benchmark": True, "expand": ["sha", "gated"]}
        found = self.read(listed, lambda: self.api.list_datasets(**asked))
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
            return Leaderboard(dataset_id, reason="it is no official Benchmark")
        try:
            entries = self.read(self.api.get_dataset_leaderboard, dataset_id, base_model_only=False)
        except HfHubHTTPError as error:
            if error.response is None or error.response.status_code not in (400, 401, 403, 404):
                raise
            entries = []
        values = [entry.value for entry in entries]
        tasks = tuple(task.id for task in found.tasks)
        lower = ranked_downwards(values) if found.lower_is_better is None else found.lower_is_better
        scale, plain = found.unit or leaderboard_scale(values), bool(found.unit) or is_plain(values)
        return Leaderboard(dataset_id, tasks, scale, plain, entries=len(values), lower_is_better=lower)

    def proposals(self, repo_id: str, status: str, author: str | None = None) -> list[Any]:
        """The pull requests of a model that are open (drafts, too) or closed, oldest first."""
        options = {"discussion_type": "pull_request", "discussion_status": status, "author": author}
        found = self.read(lambda: list(self.api.get_repo_discussions(repo_id, **options)))
        return sorted((item for item in found if author in (None, item.author)), key=lambda item: item.num)

    def pull_requests(self, repo_id: str) -> list[PullRequest]:
        """The open pull requests, and whether each touches evaluation metadata: by its diff, then by its card."""
        main = functools.cache(lambda: self.results(repo_id, None))  # a popular model has a hundred open ones
        return [self.pull_request(repo_id, item, main) for item in self.proposals(repo_id, "open")]

    def pull_request(self, repo_id: str, item: Any, main: Callable[[], tuple[Any, ...]]) -> PullRequest:
        details = self.read(self.api.get_discussion_details, repo_id, item.num)
        files = changed_files(details.diff or "")
        touches = any(name.startswith(EVAL_RESULTS) for name in files)
        if not touches and ("README.md" in files or not files):  # no diff: it is empty, or too large to be shown
            standing = main()
            try:
                touches = self.other_results(repo_id, item.git_reference or f"refs/pr/{item.num}", standing)
            except UnreadableFile as error:
                note(f"pull request #{item.num} counts as one that touches evaluation metadata: {error}")
                touches = True
        created = item.created_at.strftime("%Y-%m-%d") if item.created_at else ""
        said = [event for event in details.events if event.type == "comment"][1:]
        last = f"{said[-1].author}: {said[-1].content}"[:300] if said else ""
        return PullRequest(
            item.num, item.title, item.author, created, item.url, item.status, touches, last_comment=last
        )

    def other_results(self, repo_id: str, revision: str, results: tuple[Any, ...]) -> bool:
        """Whether a pull request's results differ from those of main, and from those that it started from."""
        theirs = self.results(repo_id, revision)
        if theirs == results:
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
            return (state.card, state.files, state.unread)
        return (canonical(front.values.get("model-index")), state.files, state.unread)

    def open_pull_request(self, repo_id: str, number: int) -> Any:
        """An open pull request by its number; ScriptError for any other: a commit to it would be seen by nobody."""
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
        return item


def is_offline() -> bool:
    """Whether the user has told the client to ask nothing."""
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def shipped_or_kept() -> OfficialList:
    """The official Benchmarks as they are known here; nothing is asked."""
    hub = Hub(hub_token())
    source = BenchmarkSource(list, hub.eval_yaml, hub.api.endpoint, hub.token or "")
    return official_benchmarks(source, "the Hub is not asked")


def is_wrong_answer(error: BaseException) -> bool:
    """Whether the Hub answered something else than it documents; what its client refuses by itself is no answer."""
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    if isinstance(error, WrongBody):
        return True
    wrong = isinstance(error, UNEXPECTED) and not isinstance(error, (HfHubHTTPError, HFValidationError))
    return wrong and "metadata" not in str(error).lower()


@dataclass(frozen=True, slots=True)
class PullRequest:
    number: int
    title: str
    author: str
    date: str  # when it was opened, YYYY-MM-DD
    url: str
    status: str
    evaluation: bool  # it touches model-index or .eval_results
    benchmarks: tuple[str, ...] = ()  # of the results that it adds
    yours: bool = False
    last_comment: str = ""


def changed_files(diff: str) -> set[str]:
    """The names in a git diff's headers; git quotes unusual ones."""
    pairs = re.findall(r'^diff --git "?a/(.+?)"? "?b/(.+?)"?$', diff, re.M)
    return {name for pair in pairs for name in pair}


WITH_CARD = ", or at once with --card FILE, a card on this machine"  # what needs no Hub


@contextlib.contextmanager
def card_errors(where: str, offline: str = "") -> Iterator[None]:
    """Turn what the client raises when a model is read into one line that says what to do, also without a network."""
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
        said = single_line(getattr(error, "server_message", None) or "")[:200]
        reasons = HUB_REASONS | {403: f"the Hub does not let it be read{f' ({said})' if said else ''}"}
        why = reasons.get(status) or " ".join(str(error).split())[:300] or type(error).__name__
        why += f"{NO_SUCH_HOST}{offline}" if no_such_host(error) else ""
        raise ScriptError(f"{where}: could not be read: {why}") from error


def fetch_state(repo_id: str, revision: str | None) -> RepoState:
    """A model's card and results on the Hub; each failure is one line that says what to do."""
    with card_errors(f"{repo_id}{f' at {revision}' if revision else ''}", WITH_CARD):
        return Hub(hub_token()).state(repo_id, revision)
