"""Following a run: states, tables, costs, failures."""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from parts.frame import SHOWN_FAILURES, ScriptError, note, run_line
from parts.jobs.client import HubAway, JobsClient, attempt_of, not_ours, timeout_of
from parts.jobs.packing import packed, packed_job
from parts.jobs.run import failure_cause, run_file, run_to_json, save_run
from parts.jobs.vocabulary import (
    FINISHED,
    GONE,
    NOT_KNOWN,
    PLANNED,
    SHOWN_LINES,
    EvalJob,
    EvalRun,
    JobState,
    duration_seconds,
    duration_text,
    money,
    names_text,
)
from parts.outgoing import terminal_console
from parts.tables import render_table, rich_rows

POLL_SECONDS = 15.0
SUMMARY_SECONDS = 600.0  # between two lines that say where a run stands, when nothing changes
LONGEST_WAIT = 300.0  # between two questions to a Hub that is away
LONGEST_OUTAGE = 86_400.0
HOPELESS = 3  # failures without a success, after which --max-parallel sends no more


def plan_rows(run: EvalRun) -> list[list[str]]:
    """The jobs of a plan."""
    rows = [["job", "models", "tasks", "hardware", "hours", "cost"]]
    for job in run.jobs:
        cost = [job.flavor, f"{job.hours:.2f}", money(job.dollars)]
        rows.append([job.name, names_text(job.models), names_text(job.tasks), *cost])
    return rows


def run_rows(run: EvalRun) -> list[list[str]]:
    """The jobs of a run as they are now."""
    rows = [["job", "hardware", "stage", "try", "ran", "cost", "what"]]
    for job, state in run.rows():
        cost = "not known" if state.unpriced else money(state.spent)
        ran = [str(state.attempt), duration_text(state.seconds), cost]
        what = state.cause or state.message or (f"{len(state.missing)} missing" if state.missing else "")
        rows.append([job.name, state.flavor or job.flavor, state.stage, *ran, what])
    return rows


def summary(run: EvalRun) -> str:
    """One line: how many jobs are where, what they have cost so far and can cost at most, and how long it may take."""
    counts = collections.Counter(state.stage for _, state in run.rows())
    cost = f"{spent_text(run)} so far"
    active = any(state.active for state in run.states.values())
    if active and run.committed is not None:
        cost += f", at most {money(run.committed)}"
    left = f"; {time_left(run)}" if active else ""
    return f"{', '.join(f'{n} {stage}' for stage, n in sorted(counts.items()))}; {cost}{left}"


def time_left(run: EvalRun) -> str:
    """When the jobs that run may have ended, by their estimates."""
    rows = [(job.hours * 3600 - state.seconds, state) for job, state in run.rows() if state.active]
    left = max(seconds for seconds, _ in rows)
    if left > 0:
        return f"about {duration_text(left)} to go, by the estimate"
    if any(state.timeout == NOT_KNOWN for _, state in rows):
        return "longer than estimated; its timeout is not known here"
    ends = max((state.timeout or duration_seconds(run.timeout)) - state.seconds for _, state in rows)
    return f"longer than estimated; its timeout ends it in {duration_text(max(0.0, ends))}"


def cost_lines(run: EvalRun) -> list[str]:
    """What the jobs that wait may take, and what it rests on."""
    waiting, flavors = run.waiting, collections.Counter(job.flavor for job in run.waiting)
    kinds = ", ".join(f"{count} x {name}" for name, count in sorted(flavors.items())) or "nothing"
    hours = sum(job.hours for job in waiting)
    line = (
        f"to send: {len(waiting)} of {len(run.jobs)} jobs ({kinds}), about {hours:.2f} machine hours, "
        f"{money(run.dollars)}; {ceiling_text(run)}"
    )
    before = [f"before: {committed_text(run)}"] if any(state.job_id for state in run.states.values()) else []
    canceled = sum(state.canceled for state in run.states.values())
    if canceled:
        before.append(f"not sent again: {canceled} that were canceled (--canceled sends them)")
    return [line, *before, *run.notes]


def ceiling_text(run: EvalRun) -> str:
    """What the jobs that wait can cost at most, and what is not in that."""
    hardware = sum(job.price for job in run.waiting) * duration_seconds(run.timeout) / 3600
    timeout = f"when each runs into its timeout of {run.timeout}"
    if run.ceiling is None:
        return f"the hardware at most {money(hardware)}, {timeout}; the tokens have no known ceiling"
    tokens = "" if not any(job.tokens_at_most for job in run.waiting) else (
        " and each answer into --max-tokens; prompts that are longer than assumed come on top"
    )  # fmt: skip
    return f"at most {money(run.ceiling)}, {timeout}{tokens}"


def committed_text(run: EvalRun) -> str:
    """What was spent, and what the jobs that run can make of it."""
    most = "" if run.committed is None else f", at most {money(run.committed)} when what runs has ended"
    return f"{spent_text(run)} spent{most if any(state.active for state in run.states.values()) else ''}"


def spent_text(run: EvalRun) -> str:
    """What the jobs have cost, as far as somebody says it."""
    unpriced = sum(state.unpriced for state in run.states.values())
    return f"{money(run.spent)}{f' and the price of {unpriced} jobs, which the Hub does not say' if unpriced else ''}"


def refreshed(client: JobsClient, run: EvalRun) -> EvalRun:
    """The run with every job's stage as the Hub has it; failed jobs with the end of their log and the cause."""
    found = client.jobs_of(run.run_id)
    ours = {job.name: own_jobs(client, run, job, found.get(job.name, [])) for job in run.jobs}
    states = {job.name: state_now(client, run, job, ours[job.name]) for job in run.jobs}
    return replace(run, states=states)


def own_jobs(client: JobsClient, run: EvalRun, job: EvalJob, infos: Sequence[Any]) -> list[Any]:
    """Those of the jobs with a job's labels that were sent for it; each other one is said, and nothing of it counts."""
    kept = []
    for info in infos:
        why = not_ours(client, info, run, job)
        if why is None:
            kept.append(info)
        elif info.id not in client.refused:
            client.refused.add(info.id)
            note(f"warning: the job {info.id} bears the labels of {job.name} and {why}: it counts for nothing")
    return kept


def state_now(client: JobsClient, run: EvalRun, job: EvalJob, infos: Sequence[Any]) -> JobState:
    """A job's state, from what the Hub lists under its labels; the log of a failed one is read once."""
    old, info = run.states[job.name], infos[-1] if infos else None
    listed = {row.id for row in infos}
    if old.active and old.job_id not in listed:  # the list may be behind; the job itself is certain
        own = client.job(old.job_id)
        if own is not None and (why := not_ours(client, own, run, job)):
            said = f"run.json names the job {old.job_id} for it, which {why}"
            old, own = JobState(message=said, timeout=old.timeout), None
        elif own is None and (info is None or attempt_of(info) <= old.attempt):
            old = replace(old, stage="DELETED", message=GONE, cause="it vanished: send it again")
            info = None
        elif own is not None:
            info, infos = own, [*infos, own]
    tries = dict(old.tries)
    for row in infos:
        if (price := price_of(client, run, job, row)) is None:
            tries.setdefault(row.id, NOT_KNOWN)
        else:
            tries[row.id] = max(tries.get(row.id, 0.0), price * seconds_run(row) / 3600)
    old = replace(old, tries=tries)
    known = info is not None and old.job_id == info.id and old.stage in FINISHED
    if info is None or known or attempt_of(info) < old.attempt:  # less: the list is behind
        return old
    return read_state(client, run, job, old, info)


def read_state(client: JobsClient, run: EvalRun, job: EvalJob, old: JobState, info: Any) -> JobState:
    """The state that a job on the Hub gives."""
    stage = str(getattr(info.status.stage, "value", info.status.stage))
    message = client.clean(info.status.message)[:300] if info.status.message else None
    same = old.job_id == info.id
    state = replace(
        old,
        stage=stage,
        job_id=info.id,
        url=info.url,
        attempt=attempt_of(info),
        seconds=seconds_run(info),
        message=message,
        cause=None,
        log=(),
        missing=old.missing if same else (),
        measured=old.measured and same,
        flavor=flavor_of(job, info),
        price=price_of(client, run, job, info),
        timeout=timeout_of(info)
        or (old.timeout if same or old.timeout == NOT_KNOWN else None)
        or duration_seconds(run.timeout),
    )
    if not state.failed or stage == "CANCELED":
        return state
    log = client.log_tail(info.id, SHOWN_LINES)
    return replace(state, log=log, cause=failure_cause(message, log, state.seconds, state.timeout))


def seconds_run(info: Any) -> float:
    """How long a job on the Hub has run, which is what is paid for."""
    return float((info.durations and info.durations.running_secs) or 0)


def flavor_of(job: EvalJob, info: Any) -> str:
    """The hardware of a job on the Hub."""
    return str(getattr(info.flavor, "value", info.flavor or job.flavor))


def price_of(client: JobsClient, run: EvalRun, job: EvalJob, info: Any) -> float | None:
    """What an hour of a job on the Hub costs: as it was when it was sent, else today; None where nobody says it."""
    old, flavor = run.states[job.name], flavor_of(job, info)
    if old.price is not None and old.flavor == flavor:
        return old.price
    planned_here = run.prices_known and old.job_id is None and flavor == job.flavor  # else others say the price
    return job.price if planned_here else client.price(flavor)


def send_jobs(
    args: argparse.Namespace, client: JobsClient, run: EvalRun, as_agreed: Callable[[EvalRun], EvalRun]
) -> EvalRun:
    """Send the jobs that wait, each once, at most --max-parallel at a time; run.json is written after each.

    as_agreed: looks before some are sent whether they are still what was agreed to.
    """
    sent: list[str] = []
    run, script = packed(run, run_file(args, run.run_id).parent)
    while queue := [job.name for job in run.waiting if job.name not in sent]:
        active = sum(state.active for state in run.states.values())
        room = len(queue) if args.max_parallel is None else max(0, args.max_parallel - active)
        run = as_agreed(run) if room else run
        for job in [job for job in run.jobs if job.name in queue[:room]]:
            old = run.states[job.name]
            with packed_job(run, job, script) as (copied, files):
                info = client.submit(run, copied, old.attempt + 1, files)
            tries = {**old.tries, info.id: old.tries.get(info.id, 0.0)}
            place = {"flavor": job.flavor, "price": job.price, "timeout": duration_seconds(run.timeout)}
            state = JobState("SCHEDULING", info.id, info.url, old.attempt + 1, tries=tries, **place)
            run = replace(run, states={**run.states, job.name: state})
            save_run(args, run)
            sent.append(job.name)
            note(f"sent {job.name} to {job.flavor}: {info.url}")
        if left := len(queue[room:]):
            if room:
                note(f"{left} jobs wait for room (--max-parallel {args.max_parallel})")
            time.sleep(POLL_SECONDS)
            run = refreshed(client, run)
            save_run(args, run)
            check_hope(run, sent)
    return run


def check_hope(run: EvalRun, sent: Sequence[str]) -> None:
    """Stop sending when the first jobs have failed and none has succeeded: the others would cost and fail as well."""
    failed = [name for name in sent if run.states[name].failed]
    if any(run.states[name].canceled for name in sent):
        raise ScriptError("a job was canceled, so the rest is not sent", code=1)
    if len(failed) >= HOPELESS and not any(state.succeeded for state in run.states.values()):
        raise ScriptError(
            f"{len(failed)} jobs have failed and none has succeeded, so the rest is not sent; "
            f"see {this_script()} status {run.run_id}",
            code=1,
        )


def follow(args: argparse.Namespace, client: JobsClient, run: EvalRun) -> EvalRun:
    """Look at the jobs until none runs: a live table in a terminal, else the table once and a line for each change.

    While the Hub is away it is asked again, less and less often: the jobs go on without this program.
    """
    wait, away_since = POLL_SECONDS, None
    with live_table() as show:
        while True:
            try:
                before, run = run, refreshed(client, run)
            except HubAway as error:
                now = time.monotonic()
                if away_since is None:
                    note(f"{error}; the jobs go on; the Hub is asked until it answers (Ctrl-C is safe)")
                away_since = away_since or now
                if now - away_since > LONGEST_OUTAGE:
                    raise
                time.sleep(wait)
                wait = min(2 * wait, LONGEST_WAIT)
                continue
            if away_since is not None:
                note("the Hub answers again")
            wait, away_since = POLL_SECONDS, None
            if run.states != before.states:
                save_run(args, run)
            show(before, run)
            if not any(state.active for state in run.states.values()):
                return run
            time.sleep(POLL_SECONDS)


@contextlib.contextmanager
def live_table() -> Iterator[Callable[[EvalRun, EvalRun], None]]:
    """Yields a function that shows a run after a look at it."""
    if not sys.stderr.isatty():
        said = [0.0]

        def lines(before: EvalRun, run: EvalRun) -> None:
            now, old = time.monotonic(), before.states
            changed = [(job, state) for job, state in run.rows() if state.stage != old[job.name].stage]
            if not said[0]:
                note(render_table(run_rows(run)))
            for job, state in changed:
                note(f"{job.name}: {state.stage}{f' ({state.cause or state.message})' if state.failed else ''}")
            if changed or not said[0] or now - said[0] > SUMMARY_SECONDS:
                note(summary(run))
                said[0] = now

        yield lines
        return
    from rich.live import Live

    with Live(console=terminal_console(stderr=True), auto_refresh=False, transient=True) as live:
        yield lambda _, run: live.update(rich_rows(run_rows(run), summary(run)), refresh=True)


def show_failures(run: EvalRun) -> None:
    """The end of the log of failed jobs, and what to do."""
    failed = [(job, state) for job, state in run.rows() if state.failed and not state.canceled]
    for job, state in failed[:SHOWN_FAILURES]:
        note(f"\n{job.name}: {state.stage}{f' ({state.message})' if state.message else ''}; the end of its log:")
        for line in state.log or ("(no log)",):
            note(f"  {line}")
        note(f"  cause: {state.cause or 'not known'}")
    if len(failed) > SHOWN_FAILURES:
        note(f"\n{len(failed) - SHOWN_FAILURES} more failed: {this_script()} logs {run.run_id} --job NAME")
    planned = sum(state.stage == PLANNED for state in run.states.values())
    if planned:
        note(f"\n{planned} jobs were not sent yet")
    canceled = sum(state.canceled for state in run.states.values())
    if run.waiting:
        note(f"\nsend what is missing or failed: {this_script()} --run-id {run.run_id}")
    if canceled:
        note(f"\n{canceled} were canceled, and are sent again with --canceled: {this_script()} --run-id {run.run_id}")


def this_script() -> str:
    """This script as it is started from here."""
    return run_line(Path(__file__).name)


def known_spent(run: EvalRun) -> float | None:
    """Dollars that a run has cost, for JSON; None where nobody says them all."""
    return None if any(state.unpriced for state in run.states.values()) else round(run.spent, 4)


def print_run(run: EvalRun, as_json: bool) -> None:
    """The state of a run on stdout."""
    if as_json:
        most = None if run.committed is None else round(run.committed, 4)
        money_of = {"usd_spent": known_spent(run), "usd_at_most": most}
        print(json.dumps(run_to_json(run) | money_of | {"summary": summary(run)}, indent=1))
    elif sys.stdout.isatty():
        terminal_console().print(rich_rows(run_rows(run), summary(run)))
    else:
        print(f"{render_table(run_rows(run))}\n\n{summary(run)}")
