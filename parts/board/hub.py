"""Models and their results read from the Hub, in few requests."""

from __future__ import annotations

import argparse
import contextlib
import functools
import hashlib
import json
import math
import os
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

from parts.board.metadata_rows import added_by, added_values, eval_results_row, model_facts, model_index_rows
from parts.board.vocabulary import MAX_ENTRIES, Benchmarks, ModelReading, Provenance, Unreadable
from parts.foreign import iso_time, kept_count, mapping_in, mapping_of
from parts.frame import MAX_TRIES, ScriptError, kept_text, note, shorten, write_whole
from parts.hub.access import hub_errors
from parts.hub.answers import keep_token_home, listed
from parts.hub.retry import rate_limited, seconds_to_wait, worth_repeating
from parts.hub.token import hub_token
from parts.inputs import is_input, quick_json, read_json, read_lines
from parts.names import KNOWN_BY, REPO_ID
from parts.tables import progress

# What the Hub is asked to say about a model.
EXPAND = (
    "cardData", "downloads", "evalResults", "gguf", "library_name", "likes", "pipeline_tag", "private", "safetensors",
    "sha",
)  # fmt: skip
MOST_REQUESTS = 5  # for a model, beside one for each of its open pull requests
PAGE_OF_DISCUSSIONS = 50  # that one answer of the Hub lists
PAGE_OF_TREE = 50  # files that one answer lists with their commits
MOST_YAML = 500_000  # characters of an .eval_results file that is read here
MAX_YAML_NODES = 20_000  # values in it after its aliases are expanded
KEEP_ANSWERS = 30  # days that an answer of the Hub stays in the cache unused
FROM_PULL_REQUEST = re.compile(r"\(#(\d{1,9})\)\s*$")  # how the Hub titles a merge


class Answers:
    """Answers of the Hub on disk by URL, with their ETags, so that what has not changed is not sent again.

    since: answers that are younger (seconds since 1970) are taken without asking: an interrupted collect goes on.
    """

    def __init__(self, token: str | None, since: float | None = None) -> None:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        self.folder, self.since = base / "hub-evals" / "answers", since
        self.reader = hashlib.sha256((token or "").encode()).hexdigest()  # what one may see is not for another

    def path(self, url: str) -> Path:
        name = hashlib.sha256(f"{self.reader} {url}".encode()).hexdigest()
        return self.folder / name[:2] / f"{name}.json"

    def get(self, url: str) -> dict[str, Any] | None:
        """{"url", "at", "etag", "body"}; None when there is none, or it is damaged."""
        path = self.path(url)
        if not is_input(path):  # no name near it is to be looked for
            return None
        try:
            kept = read_json(path)
            good = kept["url"] == url and isinstance(kept["body"], str) and isinstance(kept["at"], float)
        except (ScriptError, KeyError, TypeError):
            return None
        return kept if good else None

    def fresh(self, kept: Mapping[str, Any] | None) -> bool:
        return kept is not None and self.since is not None and kept["at"] >= self.since

    def put(self, url: str, etag: str | None, body: str) -> None:
        """Keep an answer; a full or read-only disk is no reason to stop."""
        path = self.path(url)
        with contextlib.suppress(OSError, ScriptError):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            kept = {"url": url, "at": time.time(), "etag": etag, "body": body}
            write_whole(path, json.dumps(kept), durable=False)  # one that a power cut damages is asked for again

    def prune(self) -> None:
        """Remove what no collect has used for KEEP_ANSWERS days."""
        with contextlib.suppress(OSError):
            for path in self.folder.glob("*/*.json"):
                if path.stat().st_mtime < time.time() - KEEP_ANSWERS * 86_400:
                    path.unlink()


class HubReader:
    """JSON from the Hub's API: cached, counted, repeated when it may help; all workers wait for the rate limit.

    meanwhile: called once, in a thread of its own, while the first answer is waited for.
    """

    def __init__(
        self, token: str | None, since: float | None = None, meanwhile: Callable[[], object] | None = None
    ) -> None:
        from huggingface_hub import constants, get_token
        from huggingface_hub.utils import build_hf_headers

        keep_token_home()
        self.endpoint, self.token = (os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/"), token
        try:
            self.headers = build_hf_headers(token=token)
        except (AttributeError, KeyError, TypeError, ValueError) as error:  # it asks the Hub which agents there are
            raise ScriptError(f"{self.endpoint}: its answer is of another form") from error
        self.answers = Answers(token or get_token(), since)
        self.counts: Counter[str] = Counter(sent=0, not_modified=0, from_cache=0, retried=0, bytes=0)
        self.lock, self.meanwhile = threading.Lock(), meanwhile
        self.resume_at = 0.0  # of the monotonic clock: no request before, because of the rate limit
        self.knows_results = True  # whether the Hub knows expand=evalResults

    @functools.cached_property
    def api(self) -> Any:
        """The client's whole API: most collects do without, and importing it takes a while."""
        from huggingface_hub import HfApi

        return HfApi(endpoint=self.endpoint, token=self.token)

    def count(self, what: str, number: int = 1) -> None:
        with self.lock:
            self.counts[what] += number

    def json(self, path: str, budget: Budget | None = None) -> Any:
        """The JSON at a path of the Hub; Unreadable when it is damaged, the client's errors when it is refused."""
        url = f"{self.endpoint}{path}"
        kept = self.answers.get(url)
        if self.answers.fresh(kept):
            self.count("from_cache")
            body = kept["body"]
        else:
            body = self.fetch(url, kept, budget)
        try:
            return quick_json(body.encode())
        except ValueError as error:
            raise Unreadable(f"the Hub's answer is not JSON: {kept_text(error)}") from error

    def fetch(self, url: str, kept: Mapping[str, Any] | None, budget: Budget | None) -> str:
        """The body at a URL: the kept one when the Hub says that it has not changed."""
        import tenacity
        from huggingface_hub import get_session
        from huggingface_hub.utils import hf_raise_for_status

        etag = kept.get("etag") if kept else None
        headers = self.headers | ({"If-None-Match": etag} if etag else {})

        def ask() -> Any:
            time.sleep(max(0.0, self.resume_at - time.monotonic()))
            if budget is not None:
                budget.spend()
            self.count("sent")
            session = get_session()
            self.begin_meanwhile()
            answer = session.get(url, headers=headers, timeout=30, follow_redirects=True)
            if answer.status_code != 304:
                hf_raise_for_status(answer)
            return answer

        answer = tenacity.Retrying(
            retry=tenacity.retry_if_exception(worth_repeating),
            before_sleep=functools.partial(self.pause, budget),
            sleep=lambda seconds: None,
            stop=tenacity.stop_after_attempt(MAX_TRIES),
            reraise=True,
        )(ask)
        if answer.status_code == 304 and kept:
            self.count("not_modified")
            self.answers.put(url, etag, kept["body"])  # used: it stays
            return kept["body"]
        self.count("bytes", len(answer.content))
        self.answers.put(url, answer.headers.get("ETag"), answer.text)
        return answer.text

    def begin_meanwhile(self) -> None:
        with self.lock:
            meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            threading.Thread(target=meanwhile).start()

    def pause(self, budget: Budget | None, state: Any) -> None:
        """Wait before a request is repeated; after a rate limit all others wait as well."""
        seconds = seconds_to_wait(state)
        self.count("retried")
        if budget is not None:
            budget.give_back()
        if rate_limited(state.outcome.exception()):
            with self.lock:
                told = self.resume_at > time.monotonic()
                self.resume_at = max(self.resume_at, time.monotonic() + seconds)
            if seconds > 5 and not told:
                note(f"the Hub asks to wait; again in {seconds:.0f} s")
        else:
            time.sleep(seconds)


class Budget:
    """Requests that one model may cost: MOST_REQUESTS, and one for each open pull request."""

    def __init__(self) -> None:
        self.left = MOST_REQUESTS

    def spend(self) -> None:
        self.left -= 1

    def give_back(self) -> None:
        """A request that was refused for now does not count."""
        self.left += 1


def read_model_scores(hub: HubReader, model: str, benchmarks: Benchmarks, pull_requests: bool) -> ModelReading:
    """All scores in a model's metadata on the Hub. Whatever cannot be read is in the result, with the reason."""
    reading, budget = ModelReading(model), Budget()
    try:
        info = fetch_info(hub, model, budget)
        if info.get("id") != model and REPO_ID.fullmatch(str(info.get("id"))):  # renamed, or in other letters
            note(f"{model} is called {info['id']} on the Hub")
            reading.model = info["id"]
        reading.private, reading.facts = info.get("private") is True, model_facts(info)
        requests = fetch_pull_requests(hub, reading, budget) if pull_requests else []
        if not pull_requests and isinstance(results := info.get("evalResults"), list):
            info["evalResults"] = [item for item in results if not mapping_of(item).get("pullRequest")]
        read_main(hub, reading, info, requests, benchmarks, budget)
        for request in requests:
            if request["open"]:
                read_pull_request(hub, reading, request, info, benchmarks, budget)
        for row in reading.rows:
            row |= reading.facts
    except Exception as error:  # whatever one model's answer does, the others are read
        reading.failed = trouble(error)
        reading.cannot_read("the Hub", reading.failed)
    return reading


def trouble(error: BaseException) -> str:
    """Why a request or an answer failed, in one line without the request's headers."""
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    if isinstance(error, GatedRepoError):
        return "gated: a token of an account with access is needed"
    if isinstance(error, RepositoryNotFoundError):
        return "no such model, or no access to it"
    if isinstance(error, Unreadable):
        return str(error)
    status = status_of(error)
    reasons = {401: "the token is not valid", 403: "no permission to read it", 404: "not there"}
    if status:
        return reasons.get(status) or f"the Hub answered {status}"
    if isinstance(error, OSError):
        return f"the connection failed ({type(error).__name__})"
    return f"its metadata has an unexpected form ({type(error).__name__}: {kept_text(error, 120)})"


def status_of(error: BaseException) -> int | None:
    return getattr(getattr(error, "response", None), "status_code", None)


def fetch_info(hub: HubReader, model: str, budget: Budget) -> dict[str, Any]:
    """What the Hub says about a model; without evalResults from a Hub that does not know it."""
    plain = tuple(name for name in EXPAND if name != "evalResults")

    def ask(names: Sequence[str]) -> Any:
        return hub.json(f"/api/models/{model}?{'&'.join(f'expand={name}' for name in names)}", budget)

    try:
        info = ask(EXPAND if hub.knows_results else plain)
    except Exception as error:
        if status_of(error) != 400:
            raise
        budget.give_back()  # a question about the Hub, not about the model
        info = ask(plain)  # when this is refused as well, it is the model, and the next ones are asked as before
        hub.knows_results = False
    if not isinstance(info, dict):
        raise Unreadable(f"the Hub's answer is {shorten(info)}, not a mapping")
    return info


def fetch_pull_requests(hub: HubReader, reading: ModelReading, budget: Budget) -> list[dict[str, Any]]:
    """The model's pull requests, open and merged: number, author, whether the owner's, open, date.

    One request for the newest fifty; when there are more, one for every fifty open ones, the newest first, as far as
    the budget goes.
    """
    path = f"/api/models/{reading.model}/discussions?type=pull_request&status="
    try:
        answer = hub.json(f"{path}all&p=0", budget)
        listed = list(answer["discussions"])
        page = 0
        while answer["start"] + PAGE_OF_DISCUSSIONS < answer["count"]:
            if budget.left < 2:  # one stays for what is in them
                left = answer["count"] - answer["start"] - PAGE_OF_DISCUSSIONS
                reason = f"the {left} oldest open ones were not read: more than {MOST_REQUESTS} requests for this model"
                reading.cannot_read("pull requests", reason)
                break
            answer = hub.json(f"{path}open&p={page}", budget)
            listed += answer["discussions"]
            page += 1
        found = {item["num"]: pull_request_facts(item, reading.model) for item in listed if item["isPullRequest"]}
    except Exception as error:
        if status_of(error) in (403, 404):  # discussions are switched off
            return []
        reading.cannot_read("pull requests", trouble(error))
        return []
    return [found[number] for number in sorted(found)]


def pull_request_facts(item: Mapping[str, Any], model: str) -> dict[str, Any]:
    """What is needed of an item of the Hub's list."""
    author = kept_text(item["author"]["name"]) if item.get("author") else None
    by_owner = mapping_in(item, "repoOwner").get("isDiscussionAuthor") is True or author == model.split("/")[0]
    return {
        "number": int(item["num"]),
        "author": author,
        "by_owner": by_owner,
        "open": item.get("status") in ("open", "draft"),
        "merged": item.get("status") == "merged",
        "date": iso_time(item["createdAt"]) if item.get("createdAt") else None,
    }


def read_main(
    hub: HubReader,
    reading: ModelReading,
    info: Mapping[str, Any],
    requests: Sequence[Mapping[str, Any]],
    benchmarks: Benchmarks,
    budget: Budget,
) -> None:
    """The scores of the main branch, and what the Hub itself lists of open pull requests."""
    model, sha = reading.model, kept_text(info.get("sha"))
    owner, page = model.split("/")[0], f"{hub.endpoint}/{model}"
    index = mapping_in(info, "cardData").get("model-index")
    model_index_rows(reading, index, Provenance("author_metadata", page, owner, sha), benchmarks, "model-index")
    results = info.get("evalResults")
    if results is None and not hub.knows_results:
        results = fetch_result_files(hub, reading, sha or "main", budget)
        if count := sum(item["open"] for item in requests):
            reading.cannot_read("pull requests", f"what the {count} open ones add to .eval_results: the Hub lists none")
    if results is not None and not isinstance(results, list):
        reading.cannot_read("evalResults", f"it is {shorten(results)}, not a list")
        return
    merged = fetch_merges(hub, reading, results or [], requests, budget)
    opened = {item["number"]: item for item in requests}
    for number, item in enumerate((results or [])[:MAX_ENTRIES]):
        name = kept_text(item.get("filename")) if isinstance(item, dict) else None
        try:
            if not isinstance(item, dict):
                raise Unreadable(f"it is {shorten(item)}, not a mapping")
            if item.get("error"):
                raise Unreadable(f"the Hub says: {kept_text(item['error'])}")
            where = result_place(item, name or "", page, owner, sha, opened, merged)
            data = item.get("data", item)
            row = eval_results_row(model, data, where, item.get("verified") is True, benchmarks)
            reading.rows.append(row)
        except Unreadable as error:
            reading.cannot_read(name or f"evalResults[{number}]", error)


def result_place(
    item: Mapping[str, Any],
    name: str,
    page: str,
    owner: str,
    sha: str | None,
    opened: Mapping[int, Mapping[str, Any]],
    merged: Mapping[str, Provenance],
) -> Provenance:
    """Who answers for an item of evalResults: an open pull request, a merged one, the author."""
    if (number := kept_count(item.get("pullRequest"))) is not None:
        known, url = opened.get(number, {}), f"{page}/discussions/{number}"
        return Provenance("open_pr", url, known.get("author"), f"refs/pr/{number}", known.get("date"), number)
    url = f"{page}/blob/{sha or 'main'}/{quote(name)}"
    return merged.get(name) or Provenance("author_metadata", url, owner, sha)


def fetch_merges(
    hub: HubReader,
    reading: ModelReading,
    results: Sequence[Any],
    requests: Sequence[Mapping[str, Any]],
    budget: Budget,
) -> dict[str, Provenance]:
    """File of .eval_results -> its place, for the files whose last commit is the merge of another's pull request."""
    known = {item["number"]: item for item in requests}
    merged = [item for item in requests if item["merged"] and not item["by_owner"]]
    on_main = any(isinstance(item, dict) and item.get("pullRequest") is None for item in results)
    spare = any(item["open"] for item in requests)  # a request for the diff of an open one
    older = len(requests) >= PAGE_OF_DISCUSSIONS and budget.left > spare  # there may be merges beyond the list
    if not on_main or budget.left < 1 or not (merged or older):
        return {}
    places = {}
    try:
        listed = hub.json(f"/api/models/{reading.model}/tree/main/.eval_results?expand=true", budget)
        beyond = {str(mapping_of(item).get("filename")) for item in results} - {entry["path"] for entry in listed}
        if beyond and len(listed) >= PAGE_OF_TREE:
            reading.cannot_read(".eval_results", f"who added the {len(beyond)} files beyond the first {len(listed)}")
        for entry in listed:
            commit = mapping_in(entry, "lastCommit")
            match = FROM_PULL_REQUEST.search(str(commit.get("title") or ""))
            number = int(match[1]) if match else 0
            if number and number not in known and budget.left > spare:
                details = hub.json(f"/api/models/{reading.model}/discussions/{number}", budget)
                known[number] = pull_request_facts(details, reading.model)
            if (request := known.get(number)) and request["merged"] and not request["by_owner"]:
                url = f"{hub.endpoint}/{reading.model}/discussions/{request['number']}"
                date, revision = iso_time(commit.get("date") or ""), kept_text(commit.get("id"))
                author = request["author"]
                places[entry["path"]] = Provenance("merged_community", url, author, revision, date, number)
    except Exception as error:
        reading.cannot_read(".eval_results", f"who added the files: {trouble(error)}")
    return places


def fetch_result_files(hub: HubReader, reading: ModelReading, sha: str, budget: Budget) -> list[dict[str, Any]]:
    """The entries of .eval_results/*.yaml from the files, for a Hub that does not list them itself."""
    try:
        listed = hub.json(f"/api/models/{reading.model}/tree/{quote(sha, safe='')}/.eval_results", budget)
        names = [entry["path"] for entry in listed if str(entry["path"]).endswith((".yaml", ".yml"))]
    except Exception as error:
        if status_of(error) != 404:
            reading.cannot_read(".eval_results", trouble(error))
        return []
    found = []
    for name in names:
        if budget.left < 1:
            reading.cannot_read(name, f"not read: more than {MOST_REQUESTS} requests for this model")
            continue
        try:
            path = f"/{reading.model}/raw/{quote(sha, safe='')}/{quote(name)}"
            data = read_yaml(hub.fetch(f"{hub.endpoint}{path}", hub.answers.get(f"{hub.endpoint}{path}"), budget))
            if not isinstance(data, list):
                raise Unreadable(f"it is {shorten(data)}, not a list")
            found += [{"filename": name, "data": entry} for entry in data]
        except Exception as error:
            reading.cannot_read(name, trouble(error))
    return found


def read_yaml(text: str) -> Any:
    """The plain values of a YAML text; Unreadable when it is damaged, too large, or its aliases are without measure."""
    import yaml

    if len(text) > MOST_YAML:
        raise Unreadable(f"{len(text):,} characters of YAML are more than the {MOST_YAML:,} that are read")
    sizes: dict[int, float] = {}

    def size(node: Any) -> float:
        if id(node) not in sizes:
            sizes[id(node)] = math.inf
            inside = node.value if isinstance(node, yaml.CollectionNode) else []
            children = (child for item in inside for child in (item if isinstance(item, tuple) else (item,)))
            sizes[id(node)] = 1 + sum(map(size, children))
        return sizes[id(node)]

    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is not None and size(node) > MAX_YAML_NODES:
            raise Unreadable(f"its aliases expand to more than {MAX_YAML_NODES:,} values")
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError, TypeError, OverflowError) as error:
        raise Unreadable(f"not valid YAML: {kept_text(error)}") from error


def read_pull_request(
    hub: HubReader,
    reading: ModelReading,
    request: Mapping[str, Any],
    info: Mapping[str, Any],
    benchmarks: Benchmarks,
    budget: Budget,
) -> None:
    """The scores that an open pull request adds to the card; those it adds to .eval_results the Hub lists itself.

    What its revision has and main has not may also have left main since: so the diff is asked for where there is any.
    """
    number, model = request["number"], reading.model
    place = Provenance(
        "open_pr", f"{hub.endpoint}/{model}/discussions/{number}", request["author"], f"refs/pr/{number}",
        request["date"], number,
    )  # fmt: skip
    proposed = ModelReading(model)
    budget.left += 1
    try:
        there = hub.json(f"/api/models/{model}/revision/refs%2Fpr%2F{number}?expand=cardData", budget)
        index = mapping_in(there, "cardData").get("model-index")
        if index == mapping_in(info, "cardData").get("model-index"):
            return
        model_index_rows(proposed, index, place, benchmarks, f"pull request #{number}: model-index")
        rows = added_by(proposed, [row for row in reading.rows if row["source_format"] == "model_index"])
        if rows and budget.left < 1:
            raise Unreadable(f"not read: more than {MOST_REQUESTS} requests for this model")
        if rows:
            details = hub.json(f"/api/models/{model}/discussions/{number}?diff=1", budget)
            added = added_values(str(details.get("diff") or ""))
            rows = [row for row in rows if row["value"] in added]
    except Exception as error:
        reading.cannot_read(f"pull request #{number}", trouble(error))
        return
    reading.rows += rows
    reading.unreadable += proposed.unreadable if rows or not proposed.rows else []


def list_models(hub: HubReader, args: argparse.Namespace) -> list[str]:
    """The models to read, in the order of the request; ScriptError when a list cannot be had."""
    models: list[str] = []
    if args.repo_ids:
        lines = read_lines(args.repo_ids)
        wrong = [line for line in lines if not KNOWN_BY.fullmatch(line)]
        if wrong:
            raise ScriptError(f"{args.repo_ids}: {wrong[0]!r} is no OWNER/NAME; one in a line is expected")
        models += lines
    with hub_errors("listing models", hub_token() or "-"):
        trending = {"pipeline_tag": "text-generation", "sort": "trending_score", "limit": args.trending}
        for asked in ({"author": args.author} if args.author else {}, trending if args.trending else {}):
            if asked:
                models += [
                    model.id for model in listed(functools.partial(hub.api.list_models, **asked, expand=["sha"]))
                ]
    return [model for model in dict.fromkeys(models) if KNOWN_BY.fullmatch(model)]


def read_models(
    hub: HubReader, models: Sequence[str], benchmarks: Benchmarks, pull_requests: bool, workers: int
) -> list[ModelReading]:
    """Every model's reading, in order; some models at a time."""
    pool = ThreadPoolExecutor(workers)
    try:
        futures = [pool.submit(read_model_scores, hub, model, benchmarks, pull_requests) for model in models]
        readings = [future.result() for future in progress(futures, "models")]
        return list({reading.model: reading for reading in readings}.values())  # one that has two names is read twice
    except KeyboardInterrupt:
        note("what has been read is kept; the same command goes on from there")
        raise
    finally:
        pool.shutdown(cancel_futures=True)
