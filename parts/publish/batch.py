"""Many models in one run: outcomes, resuming, summary."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import hashlib
import itertools
import re
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from parts.cards.asking import conflict_text
from parts.cards.labels import Vocabulary
from parts.frame import ScriptError, listing, note, single_line, to_json, write_whole
from parts.hub.access import check_write_access, hub_errors
from parts.hub.answers import listed
from parts.inputs import input_bytes, read_json, read_lines, strict_json
from parts.metadata.entries import Entry, Finding, Sending
from parts.metadata.front_matter import EVAL_RESULTS, front_block
from parts.metadata.merge import UnreadableFile, decode_strict, merge, told_of_file
from parts.metadata.official import Placing
from parts.metadata.plan import (
    PLAN_SCHEMA,
    Change,
    Plan,
    RepoState,
    card_entries,
    make_plan,
    plan_from_json,
    render_plan,
)
from parts.metadata.scale import settle
from parts.metadata.validation import check_eval_results, check_eval_results_set, check_model_index
from parts.names import KNOWN_BY, REPO_ID
from parts.publish.artificial_analysis import AA_NAME, aa_entries, aa_modes
from parts.publish.hub import Hub, card_errors
from parts.publish.origins import ask_whose_index, body_id, metric_questions, read_card_scores, still_said
from parts.publish.records import entries_records
from parts.publish.sending import equal_proposals, refuse_closed, refuse_open_ends, saved_plan, send_change
from parts.publish.text import markdown_text
from parts.seal import is_sealed, sealed
from parts.vocabulary import normalize_name
from parts.yaml_tree import load_yaml

BATCH_SEAL = "batch 2"
STATUSES = ("found", "already there", "outdated", "conflict", "ambiguous", "none", "failed")


@dataclass(slots=True)
class ModelOutcome:
    """What batch found for one model; written when the model is done."""

    repo_id: str
    status: str  # one of STATUSES; outdated: a pull request of one's own holds other values
    reason: str = ""
    results: int = 0
    added: int = 0
    plan: str | None = None  # file, relative to the output folder
    plan_sha256: str | None = None  # of that file
    pull_request: str | None = None
    attempted: bool = False  # a pull request was sent, whether or not an answer came


@dataclass(slots=True)
class Batch:
    """What all models of a batch share."""

    folder: Path
    hub: Hub
    mapping: Mapping[str, Any]
    vocabulary: Vocabulary
    keys: frozenset[str]  # canonical keys that are wanted; empty: all
    sources: frozenset[str]
    aa_models: list[dict[str, Any]]
    formats: str
    task_type: str
    scales: Mapping[str, str]
    placing: Placing
    started: datetime
    seal: str  # of its batch.json
    names: set[str]  # of the models that are asked for, and of those that were looked at

    def path(self, kind: str, repo_id: str) -> Path:
        return self.folder / kind / outcome_name(repo_id)

    def save(self, outcome: ModelOutcome) -> ModelOutcome:
        content = sealed(dataclasses.asdict(outcome), outcome_seal(self.seal, outcome.repo_id))
        write_whole(self.path("models", outcome.repo_id), to_json(content))
        return outcome

    def plan_of(self, outcome: ModelOutcome) -> Plan:
        """The plan that was made for a model; ScriptError when its file holds another one now."""
        path = self.path("plans", outcome.repo_id)
        data = input_bytes(path)
        if hashlib.sha256(data).hexdigest() != outcome.plan_sha256:
            raise ScriptError(
                f"{path} was changed since it was made here: `apply` it by itself, if it is what you want"
            )
        plan = plan_from_json(strict_json(data), str(path))
        return render_plan(plan, self.mapping, self.placing)


def outcome_name(repo_id: str) -> str:
    """The name of a model's files: "me/lm" -> "me--lm.json"."""
    return f"{repo_id.replace('/', '--')}.json"


def outcome_seal(batch_seal: str, repo_id: str) -> str:
    """What the seal of an outcome is for: one model of one batch, so that it says nothing in another's folder."""
    return f"batch outcome 2 {batch_seal} {repo_id}"


def batch_model(batch: Batch, repo_id: str, reading: Future[RepoState]) -> ModelOutcome:
    """Decide about one model, write its records and its plan, and last its outcome; no failure leaves this function."""
    try:
        with card_errors(repo_id):
            outcome = look_at(batch, repo_id, reading.result())
    except ScriptError as error:
        outcome = ModelOutcome(repo_id, "failed", " ".join(str(error).split())[:500])
    return batch.save(outcome)


def look_at(batch: Batch, asked: str, state: RepoState) -> ModelOutcome:
    repo_id = state.moved_to or asked
    if repo_id != asked and repo_id in batch.names:
        return ModelOutcome(asked, "none", f"it is called {repo_id} now, which is looked at by that name")
    batch.names.add(repo_id)
    refuse_closed(repo_id, state)
    entries, doubt, missing, conflicts = batch_entries(batch, asked, state)
    left_out = [entry.benchmark for entry in entries if batch.keys and entry.key not in batch.keys]
    entries = [entry for entry in entries if not batch.keys or entry.key in batch.keys]
    if not entries:
        missing += [f"of other benchmarks only: {listing(left_out)}"] if left_out else []
        return ModelOutcome(asked, "ambiguous" if doubt else "none", doubt or "; ".join(missing))
    plan = make_plan(
        repo_id,
        entries,
        batch.mapping,
        placing=batch.placing,
        formats=batch.formats,
        task_type=batch.task_type,
        source=source_phrase(entries),
    )
    plan.created, plan.target = batch.started.isoformat(timespec="seconds"), "new-pr"
    plan.parent, plan.card = state.sha, body_id(state.card or b"")
    plan.scales = dict(batch.scales)
    questions = [*plan.questions, *metric_questions(plan), *settled_plan(batch, plan)]
    change = merge(plan, state)
    ask_whose_index(plan, state, change)
    questions += change.questions
    conflicts += [f"{c.where}: {c}" for c in change.conflicts]
    for path, record in entries_records(entries, repo_id, batch.mapping, batch.started):
        write_whole(batch.folder / path, to_json(record))
    text = to_json(saved_plan(plan))
    write_whole(batch.path("plans", asked), text)
    status, reason = "found", ""
    if not change.files and not conflicts:
        status = "already there"
    if doubt or questions:
        status, reason = "ambiguous", doubt or questions[0]
    if conflicts:
        status, reason = "conflict", conflicts[0]
    if errors := [f for f in new_findings(state, change, batch.mapping) if f.severity == "error"]:
        status, reason = "failed", f"would not validate: {errors[0].path}: {errors[0].message}"
    where, digest = (
        str(batch.path("plans", asked).relative_to(batch.folder)),
        hashlib.sha256(text.encode()).hexdigest(),
    )
    return ModelOutcome(asked, status, " ".join(reason.split())[:500], len(entries), len(change.added), where, digest)


def settled_plan(batch: Batch, plan: Plan) -> list[str]:
    """Fit a plan to the Hub's leaderboards; the questions that are left."""
    boards = {row["dataset"]["id"] for rows in plan.eval_results.values() for row in rows}
    return settle(plan, {name: batch.hub.leaderboard(name) for name in boards}, plan.scales)


def batch_entries(batch: Batch, asked: str, state: RepoState) -> tuple[list[Entry], str, list[str], list[str]]:
    """The results of a model from the wanted sources, what is in doubt, why a source has none, and conflicts."""
    repo_id = state.moved_to or asked
    entries: list[Entry] = []
    doubt, missing, conflicts = "", [], []
    if "card" in batch.sources and state.card is None:
        missing.append("it has no README.md")
    if "card" in batch.sources and state.card is not None:
        names = dict.fromkeys((repo_id, asked))  # its tables may have the old name still
        answers = [read_card_scores(state.card, name, batch.vocabulary) for name in names]
        answer, task = next((found for found in answers if found[0].results), answers[0])
        entries += card_entries(answer.results, repo_id, task)
        doubt = answer.message if answer.code == 3 else ""
        missing += [answer.message.partition("\n")[0].rstrip(":")] if answer.code == 1 else []
        conflicts = [conflict_text(conflict) for conflict in answer.conflicts()]
    if "aa" in batch.sources:
        model = same_aa_model(batch.aa_models, repo_id)
        entries += aa_entries(model, batch.mapping)[0] if model else []
        missing += [] if model else [f"{AA_NAME} has no single model of that name and creator"]
    return entries, doubt, missing, conflicts


def same_aa_model(models: list[dict[str, Any]], repo_id: str) -> dict[str, Any] | None:
    """The API's model of this very name and creator; None when there is none, or more than one (modes of one too)."""
    owner, _, name = repo_id.partition("/")
    folded, wanted = normalize_name(owner), normalize_name(name)
    own, found = [], []
    for model in models:
        slug = str((model.get("model_creator") or {}).get("slug") or "")
        creator = normalize_name(slug)
        words = map(normalize_name, re.split(r"[\W_]+", slug))
        starts = set(itertools.accumulate(words))  # "swissai" of "swiss-ai-lab"
        names = {normalize_name(str(model.get(part) or "")) for part in ("slug", "name")}
        if creator and (folded.startswith(creator) or folded in starts):
            own.append(model)
            found += [model] if wanted in names else []
    if len(found) == 1 and wanted != normalize_name(found[0]["name"]):
        found = aa_modes(found[0], own)
    return found[0] if len(found) == 1 else None


def source_phrase(entries: Sequence[Entry]) -> str:
    from_api = any(entry.origin.startswith("evaluations.") for entry in entries)
    from_card = any(entry.origin.startswith("table ") for entry in entries)
    parts = ["the model card's tables"] * from_card + ["Artificial Analysis"] * from_api
    return " and ".join(parts)


def new_findings(
    state: RepoState, change: Change, mapping: Mapping[str, Any], hubs: Iterable[str] = ()
) -> list[Finding]:
    """What validate would say afterwards and does not say now; `hubs` are known to be official Benchmarks."""
    before = {"README.md": state.card or b"", **{path: text.encode() for path, text in state.files.items()}}
    old = Counter((finding.path, finding.message) for finding in check_files(before, mapping))
    after = check_files({**before, **change.files}, mapping, hubs)
    return [finding for finding in after if not old[finding.path, finding.message]]


def check_files(files: Mapping[str, bytes], mapping: Mapping[str, Any], hubs: Iterable[str] = ()) -> list[Finding]:
    """Findings in a card's metadata and the files of .eval_results; a file that cannot be read is one, too."""
    findings, loaded = [], {}
    for path, data in files.items():
        try:
            text = decode_strict(data, path)
            if path.startswith(EVAL_RESULTS) or path.endswith((".yaml", ".yml")):
                loaded[path] = load_yaml(text, path)[0]
                findings += check_eval_results(path, loaded[path], mapping, hubs)
            else:
                findings += check_model_index(front_values(text, path), mapping)
        except ScriptError as error:
            findings.append(Finding(path, "error", told_of_file(error, path)))
    return findings + check_eval_results_set(loaded, mapping)


def front_values(text: str, name: str) -> Any:
    """A card's metadata as it is, well formed or not; ScriptError when it is no YAML."""
    found = front_block(text, name)
    return load_yaml(found["yaml"], name, found["open"].count("\n") + 1)[0] if found else {}


def open_pull_requests(batch: Batch, outcomes: list[ModelOutcome], most: int) -> None:
    """A pull request for each model with something new, up to a number; none where one is open, or was closed."""
    waiting = [o for o in outcomes if o.status == "found" and not o.pull_request and not o.reason]
    if not waiting:
        return
    with hub_errors("asking the Hub who writes", batch.hub.token or "-"):
        identity = batch.hub.identity()
    for outcome in waiting:
        if sum(o.attempted for o in outcomes if o is not outcome) >= most:
            note(f"{most} pull requests were opened, or may have been; --max-prs allows more")
            return
        try:
            with hub_errors(outcome.repo_id, batch.hub.token or "-"):
                propose(batch, outcome, identity)
        except ScriptError as error:
            outcome.status, outcome.reason = "failed", " ".join(str(error).split())[:500]
        batch.save(outcome)


def propose(batch: Batch, outcome: ModelOutcome, identity: Mapping[str, Any]) -> None:
    """Open one model's pull request, unless one is open or was closed; one's own are known by what they hold."""
    plan, me = batch.plan_of(outcome), str(identity["name"])
    check_write_access(identity, plan.repo_id, True)
    state = batch.hub.state(plan.repo_id)
    refuse_closed(plan.repo_id, state)
    plan = still_said(plan, state)
    questions = settled_plan(batch, plan)
    change = merge(plan, state)
    change.questions = questions
    requests = batch.hub.pull_requests(plan.repo_id)
    for request in [request for request in requests if request.evaluation]:
        try:
            there = merge(plan, batch.hub.state(plan.repo_id, f"refs/pr/{request.number}"))
        except UnreadableFile as error:
            outcome.reason = f"an open pull request cannot be read: {request.url}: {error}"
            return
        if request.author == me and not there.files and not there.conflicts:
            outcome.pull_request = request.url
        elif request.author == me:
            outcome.status = "outdated"
            outcome.reason = f"your pull request has other results: {request.url}; apply its plan with --update-pr"
        else:
            outcome.reason = f"an open pull request touches the evaluation metadata: {request.url}"
        return
    refuse_open_ends(change)
    if not change.files:
        outcome.status = "already there"
        return
    if closed := equal_proposals(batch.hub, plan, "closed"):
        outcome.reason = f"your pull request with these results was closed: {closed[-1].url}"
        return
    outcome.attempted = True
    batch.save(outcome)
    before = frozenset(request.number for request in requests)
    sent = send_change(batch.hub, plan, Sending(create_pr=True), change, state, before, still_said)
    outcome.pull_request = sent["pull_request"]


def refresh(batch: Batch, outcome: ModelOutcome) -> None:
    """What has become of a model's pull request since: merged, closed, or open still."""
    if not outcome.pull_request:
        return
    number = int(outcome.pull_request.rpartition("/")[2])
    with card_errors(outcome.repo_id):
        status = batch.hub.read(batch.hub.api.get_discussion_details, outcome.repo_id, number).status
    if status == "merged":
        outcome.status, outcome.reason = "already there", "its pull request was merged"
    elif status == "closed":
        outcome.reason = "its pull request was closed"


def batch_repos(args: argparse.Namespace, hub: Hub) -> dict[str, Any]:
    """The models to look at, in order, with what the Hub's list says of each already."""
    expand = ["sha", "siblings"]
    if args.repo_ids:
        lines = read_lines(args.repo_ids)
        wrong = [line for line in lines if not KNOWN_BY.fullmatch(line)]
        if wrong:
            raise ScriptError(f"{args.repo_ids}: {wrong[0]!r} is no OWNER/NAME; one in a line is expected")
        if not lines:
            raise ScriptError(f"{args.repo_ids} names no model; one OWNER/NAME in a line is expected")
        return dict.fromkeys(lines)
    with hub_errors("listing models", hub.token or "-"):
        said = f"{args.author} has no models, or none that are to be seen"
        asked = {"author": args.author}
        if not args.author:
            asked = {"pipeline_tag": "text-generation", "sort": "trending_score", "limit": args.trending}
            said = "the Hub lists no trending text-generation models"
        found = hub.read(listed, lambda: hub.api.list_models(**asked, expand=expand))
    repos = {model.id: model for model in found if REPO_ID.fullmatch(model.id)}
    if not repos:
        raise ScriptError(said, code=1)
    if args.trending and len(repos) < args.trending:
        note(f"the Hub lists {len(repos)} such models, not {args.trending}")
    return repos


def resume_batch(args: argparse.Namespace, hub: Hub) -> tuple[dict[str, Any], dict[str, ModelOutcome], datetime, str]:
    """The models, the outcomes that an interrupted run of the same batch has written, when it began, and its seal."""
    file = args.output_dir / "batch.json"
    settings = {
        "schema_version": PLAN_SCHEMA,
        "repo_ids": str(args.repo_ids) if args.repo_ids else None,
        "trending": args.trending,
        "author": args.author,
        "benchmarks": args.benchmarks,
        "from": args.sources,
        "format": args.format,
        "scale": args.scale or [],
        "task_type": args.task_type,
    }
    if not file.exists():
        repos, started = batch_repos(args, hub), datetime.now(UTC).replace(microsecond=0)
        batch_id = secrets.token_hex(32)  # two of the same second and settings are two
        content = {**settings, "started": started.isoformat(), "id": batch_id, "models": list(repos)}
        content = sealed(content, BATCH_SEAL)
        write_whole(file, to_json(content))
        return repos, {}, started, content["seal"]
    if not args.resume:
        raise ScriptError(f"{args.output_dir} holds a batch already; go on with --resume, or take another --output-dir")
    saved = read_json(file)
    if not isinstance(saved, dict) or {k: saved.get(k) for k in settings} != settings:
        raise ScriptError(f"{file} was made with other options; give the same ones, or take another --output-dir")
    try:
        repos, started = dict.fromkeys(saved["models"]), datetime.fromisoformat(saved["started"])
        if not all(KNOWN_BY.fullmatch(repo_id) for repo_id in repos):
            raise ValueError("a model is no OWNER/NAME")
    except (KeyError, TypeError, ValueError) as error:
        raise ScriptError(f"{file} is damaged ({single_line(error)}); take another --output-dir") from error
    if not is_sealed(saved, BATCH_SEAL):
        raise ScriptError(
            f"{file} was not written by you on this machine, or was changed: take another --output-dir", 3
        )
    done = {}
    for repo_id in repos:
        path = args.output_dir / "models" / outcome_name(repo_id)
        with contextlib.suppress(TypeError, ScriptError):  # not an outcome of one's own: looked at again
            content = read_json(path) if path.exists() else None
            if content is not None and not is_sealed(content, outcome_seal(saved["seal"], repo_id)):
                note(f"{path} was not written by you for this model of this batch, or was changed: looked at again")
            elif content is not None:
                outcome = ModelOutcome(**{name: value for name, value in content.items() if name != "seal"})
                if outcome.status in STATUSES[:-1]:  # what failed is tried again
                    done[outcome.repo_id] = outcome
    return repos, done, started, saved["seal"]


def render_summary(outcomes: Sequence[ModelOutcome], shown: Callable[[Any], str] | None = None) -> str:
    """summary.md: one row for each model; for a terminal with reasons as `shown` writes them, whole and unescaped."""
    counts = Counter(outcome.status for outcome in outcomes)
    lines = [", ".join(f"{status}: {counts[status]}" for status in STATUSES if counts[status]), ""]
    lines += ["| model | status | results | new | pull request | reason |", "| --- | --- | --- | --- | --- | --- |"]
    for o in outcomes:
        reason = shown(o.reason).replace("|", r"\|") if shown else markdown_text(o.reason, 500)
        lines.append(f"| {o.repo_id} | {o.status} | {o.results} | {o.added} | {o.pull_request or ''} | {reason} |")
    return "\n".join(lines) + "\n"
