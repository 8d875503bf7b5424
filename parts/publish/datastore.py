"""Records to Every Eval Ever: one pull request on its data set, however often and from wherever it is asked for.

Takes records on disk; gives the data set's files that they become, and sends them. Nothing is kept about what was sent:
the Hub is asked each time which of the files are on the main branch, and which in an own pull request.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from parts.frame import (
    FIRST_WAIT,
    MAX_TRIES,
    ScriptError,
    listing,
    natural_key,
    note,
    option_words,
    plural,
    single_line,
    write_whole,
)
from parts.hub.access import check_write_access
from parts.hub.committing import commit_whole, git_blob_id
from parts.hub.retry import worth_repeating
from parts.outgoing import without_secrets
from parts.publish.hub import Hub
from parts.publish.records import results_of
from parts.publish.text import TITLE, markdown_text
from parts.records.datastore import CONTRIBUTED, DatastoreFile, contributed, datastore_file
from parts.records.publishable import Allowed, record_model, record_place
from parts.records.states import state_names, states_of
from parts.vocabulary import MetricMapping

FILES_AT_ONCE = 200  # of one commit: a commit of thousands times out, and may be carried out all the same
BYTES_AT_ONCE = 100_000_000
OWN_PULL_REQUESTS = 50  # own pull requests that are looked at, the newest first


@dataclasses.dataclass(slots=True)
class Contribution:
    """What is to be in the datastore, and what of it is there."""

    dataset: str
    records: list[DatastoreFile]
    origins: list[Path] = dataclasses.field(default_factory=list)  # where each of the records was read
    there: set[str] = dataclasses.field(default_factory=set)  # paths on the main branch
    proposed: set[str] = dataclasses.field(default_factory=set)  # paths in the own pull request
    pull_request: int | None = None  # the own one that has some of the files
    told: int = 0  # records that were read from documents, and are no runs
    elsewhere: Counter[str] = dataclasses.field(default_factory=Counter)  # runs of others, by who has made them
    partial: int = 0  # runs of a part of the items
    lacking: list[str] = dataclasses.field(default_factory=list)  # answers and tasks without a score
    doubts: list[str] = dataclasses.field(default_factory=list)  # why the gate refuses some of the results

    @property
    def files(self) -> dict[str, bytes]:
        return {path: data for record in self.records for path, data in record.files.items()}

    @property
    def missing(self) -> dict[str, bytes]:
        return {path: data for path, data in self.files.items() if path not in self.there | self.proposed}


def plan_contribution(
    found: Sequence[tuple[Path, Mapping[str, Any]]],
    dataset: str,
    model: str,
    repo_id: str | None,
    allowed: Allowed,
    vocabulary: MetricMapping,
) -> Contribution:
    """The files that records become; ScriptError (1) when one is not fit, (3) when it is not clear whose they are.

    `model`: only the records of this id, or of all when empty. `repo_id` files them under this id.
    """
    mine = [(path, record) for path, record in found if not record.get("failure")]
    ids = sorted({record_model(record) for _, record in mine}, key=natural_key)
    if model and model not in ids:
        raise ScriptError(f"no record of {single_line(model)}; the records are about {listing(ids, 20)}", code=1)
    mine = [(path, record) for path, record in mine if not model or record_model(record) == model]
    if not mine:
        raise ScriptError("no evaluation record there", code=1)
    local = sorted({record_model(record) for _, record in mine if is_local(record)}, key=natural_key)
    if repo_id and len({record_model(record) for _, record in mine}) > 1:
        raise ScriptError(f"records of several models; choose one with --model-id: {listing(ids, 20)}", code=3)
    if local and not repo_id:
        raise ScriptError(
            f"{listing(local, 3)}: measured on a folder of this machine, which nobody else can look up; "
            f"{option_words('--model-id', local[0])} --repo-id OWNER/NAME files them under the model on the Hub",
            code=3,
        )
    records = [datastore_file(path, record, repo_id or "") for path, record in mine]
    refuse_unsound([path for path, _ in mine], records)
    rows = [row for path, record in mine for row in results_of(path, record, vocabulary)]
    states = states_of([row.run for row in rows]) if repo_id else []
    if len(states) > 1:
        names = listing(state_names(record_model(mine[0][1]), states), 5)
        raise ScriptError(f"{names}: states of a model, and {repo_id} is one; give the files of one with --results", 3)
    partial = {row.run.file: row.run.incomplete for row in rows if row.run.incomplete}
    if partial and not allowed.partial:
        file, more = next(iter(partial)), f" (and {len(partial) - 1} more)" if len(partial) > 1 else ""
        raise ScriptError(
            f"{file}{more}: a partial run ({partial[file]}) is a smoke test and no score; evaluate in full, or say "
            "--allow-partial"
        )
    doubts = [
        single_line(
            f"{row.entry.benchmark}: {'; '.join(row.run.validity.reasons)} ({record_place(Path(row.run.file))})"
        )
        for row in rows
        if row.run.validity.reasons
    ]
    if doubts and not allowed.invalid:
        more = f" (and {len(doubts) - 1} more)" if len(doubts) > 1 else ""
        raise ScriptError(f"{doubts[0]}{more}; evaluate it again, or send it all the same with --allow-invalid", code=1)
    plan = Contribution(dataset, records, [path for path, _ in mine], partial=len(partial), doubts=doubts)
    plan.told = sum(record["source_metadata"].get("source_type") != "evaluation_run" for _, record in mine)
    plan.elsewhere = Counter(filter(None, (made_elsewhere(record["source_metadata"]) for _, record in mine)))
    for who, many in sorted(plan.elsewhere.items()):
        note(f"{plural(many, 'record')} of runs {who}: the pull request says so")
    lost = {row.run.file: row.run.attempts.lost for row in rows if row.run.attempts.lost}
    if lost:
        plan.lacking.append(f"Without a score: {plural(sum(lost.values()), 'answer')} in {plural(len(lost), 'record')}")
    measured = {row.run.result_id.rpartition("/")[0] for row in rows}
    if failed := failed_tasks(found, {record_model(record) for _, record in mine}, measured):
        plan.lacking.append(f"Failed, and without a record: {listing(failed, 20)}")
    return plan


def refuse_unsound(paths: Sequence[Path], records: Sequence[DatastoreFile]) -> None:
    """ScriptError (1) where the datastore would refuse one of some records, or one holds what looks like a token."""
    bad = [(one.path or str(path), one.problems) for path, one in zip(paths, records, strict=True) if one.problems]
    for place, problems in bad[:5]:
        for problem in problems[:5]:
            note(single_line(f"error: {place}: {problem}"))
    if bad:
        raise ScriptError(f"{len(bad)} of {len(records)} records would be refused there (above)", code=1)
    for path in (path for record in records for path, data in record.files.items() if has_secret(data)):
        raise ScriptError(f"{path}: holds what looks like a token; take it out, and make it invalid", code=1)


def has_secret(data: bytes) -> bool:
    text = data.decode("utf-8", "replace")
    return without_secrets(text) != text


def is_local(record: Mapping[str, Any]) -> bool:
    """Whether a record is about weights in a folder, not about a model that others can look up."""
    return bool((record["model_info"].get("additional_details") or {}).get("path"))


def failed_tasks(
    found: Sequence[tuple[Path, Mapping[str, Any]]], models: Collection[str], measured: Collection[str]
) -> list[str]:
    """The tasks that failed for some models and that no record of them measures."""
    entries = [record for _, record in found if record.get("failure") and record_model(record) in (*models, "")]
    names = {single_line(record.get("task") or "") for record in entries}
    return sorted(name for name in names if name and name not in measured)


def who_asks(hub: Hub, acting: bool) -> Mapping[str, Any]:
    """Who the token belongs to; {} when nobody is logged in and nothing is to be sent."""
    from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError

    try:
        return hub.read(hub.api.whoami)
    except (HfHubHTTPError, LocalTokenNotFoundError):
        if acting:
            raise
        return {}


def look_up_files(hub: Hub, plan: Contribution, user: str | None, again: bool) -> None:
    """Set what of a contribution is there: on the main branch, and in an own pull request.

    ScriptError (3) when a path has another content there, or when an own pull request with it was closed.
    """
    from huggingface_hub.errors import RepositoryNotFoundError

    files = plan.files
    try:
        plan.there = same_files(hub, plan.dataset, files, "main")
    except RepositoryNotFoundError as error:
        raise ScriptError(f"{plan.dataset}: no such data set, or no access to it") from error
    if user is None or plan.there == set(files):
        return
    closed: list[str] = []
    for item in own_pull_requests(hub, plan.dataset, user):
        if item.status == "merged":
            continue
        has = same_files(
            hub, plan.dataset, {p: d for p, d in files.items() if p not in plan.there}, f"refs/pr/{item.num}"
        )
        if has and item.status in ("open", "draft") and plan.pull_request is None:
            plan.pull_request, plan.proposed = item.num, has
        elif has and item.status == "closed":
            closed.append(item.url)
    if closed and plan.pull_request is None and not again:
        raise ScriptError(
            f"a pull request of yours with these records was closed: {closed[0]}; read why, and --again opens another",
            code=3,
        )


def own_pull_requests(hub: Hub, dataset: str, user: str) -> list[Any]:
    """The caller's pull requests on a data set, the newest first."""
    found = hub.read(
        lambda: list(
            hub.api.get_repo_discussions(dataset, author=user, discussion_type="pull_request", repo_type="dataset")
        )
    )
    own = [item for item in found if item.author == user and item.is_pull_request]  # whatever a Hub filters by
    return sorted(own, key=lambda item: -item.num)[:OWN_PULL_REQUESTS]


def same_files(hub: Hub, dataset: str, files: Mapping[str, bytes], revision: str) -> set[str]:
    """The paths that are at a revision with this content; ScriptError (3) for one with another."""
    found: set[str] = set()
    for paths in path_chunks(list(files), 200):
        for item in hub.read(hub.api.get_paths_info, dataset, paths, revision=revision, repo_type="dataset"):
            data = files[item.path]
            oid = item.lfs.sha256 if item.lfs else item.blob_id
            own = hashlib.sha256(data).hexdigest() if item.lfs else git_blob_id(data)
            if oid != own:
                raise ScriptError(f"{dataset}: {item.path} is there with another content; nothing was sent", code=3)
            found.add(item.path)
    return found


def path_chunks(items: Sequence[str], size: int) -> Iterator[list[str]]:
    for start in range(0, len(items), size):
        yield list(items[start : start + size])


def send_contribution(hub: Hub, plan: Contribution, identity: Mapping[str, Any]) -> dict[str, Any]:
    """Open the pull request, or go on with the own one that is open; {"pull_request", "commit", "url"}.

    After an answer that was lost the Hub is asked what was carried out, before anything is sent again.
    """
    user = str(identity.get("name") or "")
    check_write_access(identity, plan.dataset, create_pr=True)
    outcome: dict[str, Any] = {"pull_request": None, "commit": None, "url": None}
    opened = plan.pull_request is None
    for paths in in_batches(plan.missing):
        commit_files(hub, plan, {path: plan.files[path] for path in paths}, user)
    with_all = same_files(hub, plan.dataset, plan.files, f"refs/pr/{plan.pull_request}") if plan.pull_request else set()
    left = set(plan.files) - with_all - plan.there
    if left:
        raise ScriptError(f"{plan.dataset} #{plan.pull_request}: {len(left)} files are not there; run this again")
    plan.proposed = with_all
    if opened and (older := older_twin(hub, plan, user)):
        hub.api.change_discussion_status(
            plan.dataset, plan.pull_request, "closed", repo_type="dataset", comment=f"The same as #{older}."
        )
        note(f"the same records were proposed at the same time: #{older} stays, #{plan.pull_request} is closed")
        plan.pull_request = older
    outcome["commit"] = head_of(hub, plan)
    outcome["url"] = f"{hub.api.endpoint}/datasets/{plan.dataset}/discussions/{plan.pull_request}"
    outcome["pull_request"] = outcome["url"]
    return outcome


def commit_files(hub: Hub, plan: Contribution, files: Mapping[str, bytes], user: str) -> str | None:
    """One commit to the own pull request, which is opened by the first; its id, None when its answer was lost."""
    from huggingface_hub import CommitOperationAdd

    where = {"revision": f"refs/pr/{plan.pull_request}"} if plan.pull_request else {"create_pr": True}
    additions = [CommitOperationAdd(path, data) for path, data in files.items()]
    text = {"commit_message": contribution_title(plan), "commit_description": contribution_text(plan)}
    for attempt in range(MAX_TRIES):
        try:
            commit = commit_whole(hub.api, plan.dataset, additions, repo_type="dataset", **text, **where)
        except Exception as error:
            if not worth_repeating(error):
                raise
            if carried_out(hub, plan, files, user):
                return None
            if attempt == MAX_TRIES - 1:
                raise
            note(f"{plan.dataset}: the Hub is busy; trying again")
            time.sleep(min(FIRST_WAIT * 2**attempt, 60))
        else:
            plan.pull_request = plan.pull_request or commit.pr_num
            return commit.oid
    return None


def carried_out(hub: Hub, plan: Contribution, files: Mapping[str, bytes], user: str) -> bool:
    """Whether a commit whose answer was lost is there after all; the pull request is then known."""
    if plan.pull_request is not None:
        return same_files(hub, plan.dataset, files, f"refs/pr/{plan.pull_request}") == set(files)
    for item in own_pull_requests(hub, plan.dataset, user):
        ours = item.status in ("open", "draft")
        if ours and same_files(hub, plan.dataset, files, f"refs/pr/{item.num}") == set(files):
            plan.pull_request = item.num
            return True
    return False


def head_of(hub: Hub, plan: Contribution) -> str | None:
    info = hub.read(hub.api.dataset_info, plan.dataset, revision=f"refs/pr/{plan.pull_request}", expand=["sha"])
    return info.sha


def older_twin(hub: Hub, plan: Contribution, user: str) -> int | None:
    """An own open pull request, older than this one, with the same files: two runs at the same moment."""
    for item in reversed(own_pull_requests(hub, plan.dataset, user)):
        rival = item.num < (plan.pull_request or 0) and item.status in ("open", "draft")
        if rival and same_files(hub, plan.dataset, plan.files, f"refs/pr/{item.num}") | plan.there == set(plan.files):
            return item.num
    return None


def in_batches(files: Mapping[str, bytes]) -> Iterator[list[str]]:
    """The paths in groups that one commit can carry; a record stays with its samples."""
    group: list[str] = []
    size = 0
    for path in sorted(files):
        full = len(group) >= FILES_AT_ONCE or size + len(files[path]) > BYTES_AT_ONCE
        if group and full and path.endswith(".json"):
            yield group
            group, size = [], 0
        group.append(path)
        size += len(files[path])
    if group:
        yield group


# --- What people read ---


def collections_of(plan: Contribution) -> list[str]:
    return sorted({record.path.split("/")[1] for record in plan.records})


def models_of_records(plan: Contribution) -> list[str]:
    return sorted({record.model for record in plan.records}, key=natural_key)


def contribution_title(plan: Contribution) -> str:
    """As the datastore's guide for contributors asks for."""
    what = listing(collections_of(plan), 2)
    return f"[Submission] {what}: {len(plan.records)} records of {listing(models_of_records(plan), 1)}"[:TITLE]


def made_elsewhere(source: Mapping[str, Any]) -> str:
    """By whom a run was made, where it was not made by these scripts or names somebody; "" where nothing says that."""
    if source.get("source_type") != "evaluation_run":
        return ""
    name = single_line(source.get("source_organization_name") or "")[:60]
    if name and name.lower() != "unknown":
        return f"measured, as they say, by {name}"
    more = source.get("additional_details")
    return "converted from a harness's files" if isinstance(more, Mapping) and more.get("converter") else ""


def contribution_text(plan: Contribution) -> str:
    samples = sum(path.endswith("_samples.jsonl") for path in plan.files)
    models = ", ".join(markdown_text(name) for name in models_of_records(plan)[:20])
    runs = len(plan.records) - plan.told - plan.elsewhere.total()
    kinds = [f"{runs} of own runs"] * bool(runs) + [f"{plan.told} of scores that documents tell"] * bool(plan.told)
    kinds += [f"{many} of runs {markdown_text(who)}" for who, many in sorted(plan.elsewhere.items())]
    said = [f"{plan.partial} are of a part of the items."] if plan.partial else []
    said += [f"{markdown_text(text)}." for text in plan.lacking]
    said += [f"Doubtful: {markdown_text(text)}." for text in plan.doubts[:20]]
    said += ["Nothing was left out of these runs."] if runs and not said and not plan.elsewhere else []
    return (
        f"{len(plan.records)} records in the format of Every Eval Ever: {' and '.join(kinds)}, {samples} with their "
        f"samples.\n\n"
        f"Models: {models}\n\nCollections: {', '.join(markdown_text(name) for name in collections_of(plan)[:20])}\n\n"
        f"{' '.join(said)} Each record names its harness with version, its data and its settings, as far as they are "
        "known. Checked before it was sent: schema, paths, bounds, samples against their records, checksums."
    )


def contribution_lines(plan: Contribution) -> Iterator[str]:
    for record in plan.records:
        state = "there" if record.path in plan.there else "proposed" if record.path in plan.proposed else "new"
        yield f"{state:8}  {record.path}  ({listing(record.results, 3)})"


def contribution_json(plan: Contribution) -> dict[str, Any]:
    files = plan.files
    return {
        "dataset": plan.dataset,
        "records": [{"path": r.path, "model": r.model, "results": r.results} for r in plan.records],
        "files": len(files),
        "bytes": sum(map(len, files.values())),
        "there": sorted(plan.there),
        "proposed": sorted(plan.proposed),
        "missing": sorted(plan.missing),
    }


# --- What a later `add` finds ---


def remember_places(plan: Contribution, endpoint: str, commit: str) -> None:
    """Write beside each data/ folder where its records went, so that a result can link there as its source."""
    roots: dict[Path, dict[str, str]] = {}
    for path, record in zip(plan.origins, plan.records, strict=True):
        if path.parts[-5:-4] == ("data",):
            revision = "main" if record.path in plan.there else commit
            url = f"{endpoint}/datasets/{plan.dataset}/blob/{revision}/{record.path}"
            roots.setdefault(path.parents[4], {})["/".join(path.parts[-5:])] = url
    for root, urls in roots.items():
        file = root / CONTRIBUTED
        write_whole(file, json.dumps(contributed(root) | urls, indent=1, sort_keys=True) + "\n")
