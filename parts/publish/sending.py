"""A change carried out: asked for what stands in the way, committed, read back, never twice.

A commit whose answer was lost may have been made: what the Hub has is looked at before it is sent again, and after a
pull request was opened once more, so that of two that hold the same the younger is closed.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parts.frame import ScriptError, command_line_of, note, run_line, single_line, to_json
from parts.hub.access import check_write_access, hub_errors
from parts.hub.committing import commit_once
from parts.metadata.entries import Sending
from parts.metadata.identity import OTHER, Measures
from parts.metadata.merge import StandingResult, is_value, measures_of, merge, standings_of
from parts.metadata.plan import PLAN_ITSELF, Change, Plan, RepoState
from parts.outputs import write_beside
from parts.publish.hub import Hub, PullRequest
from parts.publish.local import read_clone, say_written, write_clone
from parts.publish.text import counted_title, plan_lines, pull_request_text, pull_request_title
from parts.seal import is_sealed, seal_of

MAX_REPLANS = 3  # times that a plan is made anew because the repo has moved on
MOST_CLOSED = 20  # closed pull requests of one's own that are looked at
PLAN_SEAL, RESULTS_SEAL = "plan 3", "plan results 1"
# What a plan's seal covers: where it goes, as what, and what was answered.
DECIDED = (
    "repo_id", "target", "formats", "task_type", "dataset_name",
    "replace", "beside", "scales", "official", "own_harness",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sent:
    """What the Hub has now: the commit, its address, and the pull request that holds it."""

    oid: str
    commit_url: str
    pr_url: str | None = None
    number: int | None = None


def send_change(
    hub: Hub,
    plan: Plan,
    how: Sending,
    change: Change,
    state: RepoState,
    before: frozenset[int] = frozenset(),
    replan: Callable[[Plan, RepoState], Plan] = lambda plan, state: plan,
) -> dict[str, Any]:
    """One commit or one pull request with the change; planned anew when the repo has moved on, at most three times.

    `before`: the numbers of the pull requests that were there. `replan` makes the plan fit for another state, or raises
    ScriptError. Returns {"commit", "url", "pull_request"}. What the Hub has afterwards is read back and compared.
    """
    nothing = {"commit": None, "url": None, "pull_request": None}
    for attempt in range(1 + MAX_REPLANS):
        if attempt:
            note(f"{plan.repo_id} has moved on; planning again ({attempt} of {MAX_REPLANS})")
            state = hub.state(plan.repo_id, how.revision)
            plan = replan(plan, state)
            change = merge(plan, state)
            refuse_open_ends(change)
            if not change.files:
                note("all of it is there now; nothing was sent")
                return nothing
        show_change(plan, change)
        sent = send_once(hub, plan, how, change, state, before)
        if sent is not None:
            read_back(hub, plan, sent, change)
            if how.create_pr:
                sent = without_doubles(hub, plan, sent, before)
            return {"commit": sent.oid, "url": sent.commit_url, "pull_request": sent.pr_url}
    saved = write_beside(Path(f"plan-{plan.repo_id.replace('/', '--')}.json"), to_json(saved_plan(plan)))
    raise ScriptError(
        f"{plan.repo_id} changed {1 + MAX_REPLANS} times while this ran; nothing was written. The plan is in {saved}; "
        f"later: {again_apply(saved, plan)}"
    )


def show_change(plan: Plan, change: Change) -> None:
    """Say what is written, before it is."""
    for line in plan_lines(plan, change):
        note(line)


def send_once(
    hub: Hub, plan: Plan, how: Sending, change: Change, state: RepoState, before: frozenset[int]
) -> Sent | None:
    """The commit; None when the repo is not at the planned parent any more.

    After an error that leaves open whether it was made, it is looked for; when it is not there it is sent again.
    """
    from huggingface_hub.errors import HfHubHTTPError

    options = {
        "commit_message": how.message or pull_request_title(plan, change),
        "commit_description": pull_request_text(plan, change),
        "parent_commit": state.sha,
        "revision": how.revision,
        "create_pr": how.create_pr or None,
    }

    def send() -> Sent:
        made = hub.commit(plan.repo_id, change.files, **options)
        if how.create_pr and not made.pr_url:
            raise ScriptError(f"{plan.repo_id}: the Hub made no pull request of what was sent")
        return Sent(made.oid, made.commit_url, made.pr_url, made.pr_num)

    try:
        return commit_once(send, lambda: arrived(hub, plan, how, state, before))
    except HfHubHTTPError as error:
        if error.response is None or error.response.status_code != 412:
            raise
        return arrived(hub, plan, how, state, before)


def arrived(hub: Hub, plan: Plan, how: Sending, state: RepoState, before: frozenset[int]) -> Sent | None:
    """A commit whose answer was lost, if it was made."""
    if how.create_pr:
        held = equal_proposals(hub, plan, "open", before)
        return proposal_sent(hub, plan.repo_id, held[0]) if held else None
    now = hub.state(plan.repo_id, how.revision)
    there = merge(plan, now)
    if now.sha == state.sha or there.files or there.conflicts:
        return None
    return Sent(str(now.sha), f"{hub.api.endpoint}/{plan.repo_id}/commit/{now.sha}")


def equal_proposals(hub: Hub, plan: Plan, status: str, before: frozenset[int] = frozenset()) -> list[Any]:
    """One's own pull requests that hold all that the plan would add, oldest first; without those in `before`."""
    mine = hub.proposals(plan.repo_id, status, author=str(hub.identity()["name"]))
    mine = [item for item in mine if item.num not in before and item.status in (status, "draft")]
    found = []
    for item in mine[-MOST_CLOSED:]:
        there = merge(plan, hub.state(plan.repo_id, f"refs/pr/{item.num}"))
        if not there.files and not there.conflicts:
            found.append(item)
    return found


def proposal_sent(hub: Hub, repo_id: str, item: Any) -> Sent:
    state = hub.state(repo_id, f"refs/pr/{item.num}")
    return Sent(str(state.sha), f"{hub.api.endpoint}/{repo_id}/commit/{state.sha}", item.url, item.num)


def without_doubles(hub: Hub, plan: Plan, sent: Sent, before: frozenset[int]) -> Sent:
    """The oldest of one's own new pull requests that hold this; the younger ones are closed with a word."""
    from huggingface_hub.errors import HfHubHTTPError

    held = equal_proposals(hub, plan, "open", before)
    for item in held[1:]:
        try:
            word = f"The same as #{held[0].num}, opened at the same time."
            hub.read(hub.api.change_discussion_status, plan.repo_id, item.num, "closed", comment=word)
            note(f"{item.url} held the same as {held[0].url} and was closed")
        except HfHubHTTPError as error:  # the other run may have closed it
            note(f"{item.url} holds the same as {held[0].url}; it could not be closed: {single_line(error)[:100]}")
    return sent if not held or held[0].num == sent.number else proposal_sent(hub, plan.repo_id, held[0])


def read_back(hub: Hub, plan: Plan, sent: Sent, change: Change) -> None:
    """ScriptError unless the Hub has what was sent, in this very commit."""
    try:
        differing = [path for path, data in change.files.items() if hub.content(plan.repo_id, path, sent.oid) != data]
    except Exception as error:
        raise ScriptError(
            f"{plan.repo_id}: it was written ({sent.pr_url or sent.commit_url}), but could not be read back: "
            f"{single_line(error)[:200] or type(error).__name__}; run the same command again"
        ) from error
    if differing:
        raise ScriptError(
            f"{plan.repo_id}: {differing[0]} differs on the Hub from what was sent; look at {sent.commit_url}"
        )


def refuse_open_ends(change: Change) -> None:
    """ScriptError (3) while something is undecided: nothing is written then."""
    if change.questions:
        raise ScriptError("\n".join(map(single_line, change.questions)), code=3)
    if not change.conflicts:
        return
    lines = [single_line(f"{c.where} ({c.benchmark}): {c}") for c in change.conflicts]
    ours = [c for c in change.conflicts if c.where.endswith(".value")]
    ways = ["--replace takes the new values"] if ours else ["correct it"]
    if any(c.where != PLAN_ITSELF for c in change.conflicts):
        ways.append("--beside NAME (or all) writes the new one beside it, as another result")
    lines.append(f"nothing was written; {', '.join(ways)}, or take fewer results")
    raise ScriptError("\n".join(lines), code=3)


def carry_out(
    plan: Plan,
    args: argparse.Namespace,
    hub: Hub | None,
    state: RepoState,
    change: Change,
    replan: Callable[[Plan, RepoState], Plan],
) -> dict[str, Any]:
    """Do what was asked for: nothing (a dry run), the local card, a pull request, a commit.

    A dry run asks the Hub all that the real one asks, and ends as that would.
    """
    outcome: dict[str, Any] = {"commit": None, "url": None, "pull_request": None, "dry_run": not acts(args)}
    if not change.files:
        return outcome
    if args.card or hub is None:
        if acts(args):
            if read_clone(args.card) != state:
                raise ScriptError(f"{args.card} was changed while this ran; nothing was written: run it again", code=3)
            show_change(plan, change)
            say_written(write_clone(args.card, change))
        return outcome
    if not (args.create_pr or args.update_pr or args.apply):
        return outcome
    how = Sending(args.create_pr, f"refs/pr/{args.update_pr}" if args.update_pr else None, args.commit_message)
    with hub_errors(f"writing to {plan.repo_id}", hub.token or ""):
        refuse_closed(plan.repo_id, state)
        before = refuse_hindrances(hub, plan, how, args)
        if not acts(args):
            return outcome
        outcome |= send_change(hub, plan, how, change, state, before, replan)
        if args.update_pr and outcome["commit"]:
            correct_title(hub, plan, args.update_pr)
    return outcome


def refuse_closed(repo_id: str, state: RepoState) -> None:
    if state.closed:
        raise ScriptError(f"{repo_id} is {state.closed}: nobody can write to it, or open a pull request")


def refuse_hindrances(hub: Hub, plan: Plan, how: Sending, args: argparse.Namespace) -> frozenset[int]:
    """What stands in the way of writing: permission (2), an open pull request, one that was closed (3).

    Returns the numbers of the pull requests that are open. Without a token (a dry run) permission is not asked for.
    """
    if hub.token is None and not acts(args):
        note("no token was given: what it may do was not asked")
    else:
        check_write_access(hub.identity(), plan.repo_id, how.create_pr or how.revision is not None)
    if not how.create_pr:
        return frozenset()
    requests = hub.pull_requests(plan.repo_id)
    if not args.allow_duplicate_pr:
        refuse_second_pull_request(requests)
    if hub.token is not None and not args.again:
        refuse_closed_pull_request(hub, plan)
    return frozenset(request.number for request in requests)


def refuse_second_pull_request(requests: list[PullRequest]) -> None:
    """ScriptError (3) with its URL when an open pull request touches evaluation metadata already."""
    for request in requests:
        if request.evaluation:
            raise ScriptError(
                f"an open pull request touches the evaluation metadata already: {request.url} ({request.title!r} by "
                f"{request.author}, {request.date}); add to it with --update-pr {request.number}, or open a second "
                "one with --allow-duplicate-pr",
                code=3,
            )


def refuse_closed_pull_request(hub: Hub, plan: Plan) -> None:
    """ScriptError (3) when one's own pull request with all of this was closed: its owner did not want it."""
    closed = equal_proposals(hub, plan, "closed")
    if closed:
        raise ScriptError(
            f"your pull request with these results was closed: {closed[-1].url}; read why there, and --again opens "
            "another one all the same",
            code=3,
        )


def correct_title(hub: Hub, plan: Plan, number: int) -> None:
    """A title of ours that counts results counts them again after more were added."""
    item = hub.read(hub.api.get_discussion_details, plan.repo_id, number)
    main, held = hub.state(plan.repo_id), hub.state(plan.repo_id, f"refs/pr/{number}")
    title = counted_title(item.title, len(added_results(held, main, measures_of(plan))))
    if title != item.title and item.author == hub.identity()["name"]:
        hub.read(hub.api.rename_discussion, plan.repo_id, number, title)


def added_results(state: RepoState, base: RepoState, measures: Measures) -> list[StandingResult]:
    """The results that a state has and its base has not, or with another value; one in both formats is one."""
    old, found = standings_of(base, measures), []
    for item in standings_of(state, measures):
        rivals = [other for other in (*old, *found) if measures.relation(other.measure, item.measure) != OTHER]
        if not any(is_value(other, item.value, item.unit, measures) for other in rivals):
            found.append(item)
    return found


def acts(args: argparse.Namespace) -> bool:
    return bool(args.apply or args.create_pr or args.update_pr) and not args.dry_run


def saved_plan(plan: Plan) -> dict[str, Any]:
    """A plan as it is saved, with the user's seals: on where it goes and what was answered, and on its results.

    What is changed and not yet meant (`--adopt`) keeps the seal that does not fit.
    """
    try:
        results = plan.results_seal if plan.changed else seal_of(results_of_plan(plan), RESULTS_SEAL)
        seal = seal_of(decisions_of(plan, results), PLAN_SEAL)
    except ScriptError as error:
        note(f"{error}; so the plan has no seal, and `apply` asks where it goes")
        seal = results = ""
    return plan.as_json() | {"seal": seal, "results_seal": results}


def is_own(plan: Plan) -> bool:
    """Whether a plan, as it was read, goes where this user said, with this user's answers."""
    return bool(plan.seal) and is_sealed(decisions_of(plan, plan.results_seal) | {"seal": plan.seal}, PLAN_SEAL)


def is_unchanged(plan: Plan) -> bool:
    """Whether a plan, as it was read, holds the results that this program read for this user, as it read them."""
    said = plan.results_seal
    return bool(said) and is_sealed(results_of_plan(plan) | {"seal": said}, RESULTS_SEAL)


def results_of_plan(plan: Plan) -> dict[str, Any]:
    """All of a plan but where it goes and what was answered: whose results, which, and what they were read from."""
    kept = {name: value for name, value in plan.as_json().items() if name not in DECIDED}
    return {**kept, "repo_id": plan.repo_id, "seal": "", "results_seal": ""}


def decisions_of(plan: Plan, results_seal: str) -> dict[str, Any]:
    """Where a plan goes and what was answered, and for which results: a decision on others is none on these."""
    return {name: getattr(plan, name) for name in DECIDED} | {"results_seal": results_seal}


def again_apply(file: Path, plan: Plan) -> str:
    """The command that applies a saved plan; where it goes is in the plan, else a pull request is proposed."""
    more = [] if plan.target else ["--create-pr"]
    return f"{run_line('evaluation_manager.py')} {command_line_of(['apply', file, *more])}"
