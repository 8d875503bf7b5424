"""A change carried out: committed, read back, never twice."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import Any

from parts.frame import ScriptError, note, single_line, to_json, write_whole
from parts.hub.access import check_write_access, hub_errors
from parts.metadata.entries import Sending
from parts.metadata.merge import merge
from parts.metadata.plan import Change, Plan, RepoState
from parts.publish.hub import Hub, write_clone
from parts.publish.text import pull_request_text, pull_request_title

MAX_REPLANS = 3  # times that a plan is made anew because the repo has moved on


def send_change(hub: Hub, plan: Plan, how: Sending, change: Change, state: RepoState) -> dict[str, Any]:
    """One commit or one pull request with the change; planned anew when the repo has moved on, at most three times.

    Returns {"commit", "url", "pull_request"}. What the Hub has afterwards is read back and compared.
    """
    for attempt in range(1 + MAX_REPLANS):
        if attempt:
            note(f"{plan.repo_id} has moved on; planning again ({attempt} of {MAX_REPLANS})")
            state = hub.state(plan.repo_id, how.revision)
            change = merge(plan, state)
            refuse_open_ends(change)
            if not change.files:
                note("all of it is there now; nothing was sent")
                return {"commit": None, "url": None, "pull_request": None}
        commit = try_commit(hub, plan, how, change, state)
        if commit is not None:
            read_back(hub, plan.repo_id, commit, change)
            return {"commit": commit.oid, "url": commit.commit_url, "pull_request": commit.pr_url}
    saved = Path(f"plan-{plan.repo_id.replace('/', '--')}.json")
    write_whole(saved, to_json(plan.as_json()))
    raise ScriptError(
        f"{plan.repo_id} changed {1 + MAX_REPLANS} times while this ran; nothing was written. The plan is in {saved}; "
        f"later: {again_apply(saved)}"
    )


def try_commit(hub: Hub, plan: Plan, how: Sending, change: Change, state: RepoState) -> Any | None:
    """The commit; None when the repo is not at the planned parent any more."""
    from huggingface_hub import CommitOperationAdd
    from huggingface_hub.errors import HfHubHTTPError

    try:
        return hub.write(
            hub.api.create_commit,
            plan.repo_id,
            [CommitOperationAdd(path, data) for path, data in change.files.items()],
            commit_message=how.message or pull_request_title(plan, change),
            commit_description=pull_request_text(plan, change),
            parent_commit=state.sha,
            revision=how.revision,
            create_pr=how.create_pr or None,
        )
    except HfHubHTTPError as error:
        if error.response is not None and error.response.status_code == 412:
            return None
        raise


def read_back(hub: Hub, repo_id: str, commit: Any, change: Change) -> None:
    """ScriptError unless the Hub has what was sent, byte for byte."""
    for path, data in change.files.items():
        if hub.content(repo_id, path, commit.oid) != data:
            raise ScriptError(f"{repo_id}: {path} differs on the Hub from what was sent; look at {commit.commit_url}")


def refuse_open_ends(change: Change) -> None:
    """ScriptError (3) while something is undecided: nothing is written then."""
    if change.questions:
        raise ScriptError("\n".join(map(single_line, change.questions)), code=3)
    if change.conflicts:
        lines = [
            single_line(f"{c.where} ({c.benchmark}): there is {c.there}, the new value is {c.new}")
            for c in change.conflicts
        ]
        ours = any(c.where.endswith(".value") for c in change.conflicts)
        way = "--replace takes the new values, or take fewer results" if ours else "correct it, or take fewer results"
        lines.append(f"nothing was written; {way}")
        raise ScriptError("\n".join(lines), code=3)


def carry_out(
    plan: Plan, args: argparse.Namespace, hub: Hub | None, state: RepoState, change: Change
) -> dict[str, Any]:
    """Do what was asked for: nothing (a dry run), the local card, a pull request, a commit."""
    outcome: dict[str, Any] = {"commit": None, "url": None, "pull_request": None, "dry_run": not acts(args)}
    if not change.files or not acts(args):
        return outcome
    refuse_open_ends(change)
    if args.card or hub is None:
        write_clone(args.card, change)
        note(f"written: {', '.join(change.files)} at {args.card.parent}")
        return outcome
    how = Sending(args.create_pr, f"refs/pr/{args.update_pr}" if args.update_pr else None, args.commit_message)
    with hub_errors(f"writing to {plan.repo_id}", hub.token or ""):
        check_write_access(hub.read(hub.api.whoami), plan.repo_id, how.create_pr or how.revision is not None)
        if args.create_pr and not args.allow_duplicate_pr:
            refuse_second_pull_request(hub, plan.repo_id)
        outcome |= send_change(hub, plan, how, change, state)
    if outcome["pull_request"] or outcome["url"]:
        note(f"{'pull request' if outcome['pull_request'] else 'commit'}: {outcome['pull_request'] or outcome['url']}")
    return outcome


def refuse_second_pull_request(hub: Hub, repo_id: str) -> None:
    """ScriptError (3) with its URL when an open pull request touches evaluation metadata already."""
    for request in hub.pull_requests(repo_id):
        if request.evaluation:
            raise ScriptError(
                f"an open pull request touches the evaluation metadata already: {request.url} ({request.title!r} by "
                f"{request.author}, {request.date}); add to it with --update-pr {request.number}, or open a second "
                "one with --allow-duplicate-pr",
                code=3,
            )


def acts(args: argparse.Namespace) -> bool:
    return bool(args.apply or args.create_pr or args.update_pr) and not args.dry_run


def again_apply(plan: Path) -> str:
    return shlex.join(["uv", "run", "scripts/evaluation_manager.py", "apply", str(plan), "--create-pr"])
