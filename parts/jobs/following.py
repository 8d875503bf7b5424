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

from parts.frame import SHOWN_FAILURES, ScriptError, note
from parts.jobs.client import JobsClient, attempt_of
from parts.jobs.run import failure_cause, run_to_json, save_run
from parts.jobs.vocabulary import (
    FINISHED,
    PLANNED,
    SHOWN_LINES,
    EvalJob,
    EvalRun,
    JobState,
    duration_text,
    money,
    names_text,
    seconds_of,
)
from parts.tables import render_table, rich_rows

POLL_SECONDS = 15.0
HOPELESS = 3  # failures without a success, after which --max-parallel sends no more


def plan_rows(run: EvalRun) -> list[list[str]]:
    """The jobs of a plan."""
    rows = [["job", "models", "tasks", "hardware", "hours", "cost"]]
    for job in run.jobs:
        cost = [job.flavor, f"{job.hours:.2f}", money(job.dollars)]
        rows.append([job.name, names_text(job.models), names_text(job.tasks), *cost])
    return rows


def state_rows(run: EvalRun) -> list[list[str]]:
    """The jobs of a run as they are now."""
    rows = [["job", "hardware", "stage", "try", "ran", "cost", "what"]]
    for job, state in run.rows():
        ran = [str(state.attempt), duration_text(state.seconds), money(state.spent)]
        what = state.cause or state.message or (f"{len(state.missing)} missing" if state.missing else "")
        rows.append([job.name, state.flavor or job.flavor, state.stage, *ran, what])
    return rows


def summary(run: EvalRun) -> str:
    """One line: how many jobs are where, and what they have cost so far."""
    counts = collections.Counter(state.stage for _, state in run.rows())
    spent = sum(state.spent for _, state in run.rows())
    return f"{', '.join(f'{n} {stage}' for stage, n in sorted(counts.items()))}; {money(spent)} so far"


def cost_lines(run: EvalRun) -> list[str]:
    """What the jobs that wait may take, and what it rests on."""
    waiting, flavors = run.waiting, collections.Counter(job.flavor for job in run.waiting)
    kinds = ", ".join(f"{count} x {name}" for name, count in sorted(flavors.items())) or "nothing"
    hours = sum(job.hours for job in waiting)
    lines = [
        f"to send: {len(waiting)} of {len(run.jobs)} jobs ({kinds}), about {hours:.2f} machine hours, "
        f"{money(run.dollars)}; at most {money(run.ceiling)}, when each runs into its timeout of {run.timeout}"
    ]
    late = [job.name for job in waiting if job.hours * 3600 > seconds_of(run.timeout)]
    if late:
        longest = max(job.hours for job in waiting)
        lines.append(
            f"warning: {len(late)} jobs are estimated to need longer than --timeout {run.timeout} "
            f"(up to {longest:.1f} h): give a longer one, or split them with --split both"
        )
    return lines + list(run.notes)


def refreshed(client: JobsClient, run: EvalRun) -> EvalRun:
    """The run with every job's stage as the Hub has it; failed jobs with the end of their log and the cause."""
    found = client.jobs_of(run.run_id)
    states = {job.name: state_now(client, run, job, found.get(job.name)) for job in run.jobs}
    return replace(run, states=states)


def state_now(client: JobsClient, run: EvalRun, job: EvalJob, info: Any) -> JobState:
    """A job's state, from what the Hub lists under its labels; the log of a failed one is read once."""
    old = run.states[job.name]
    known = info is not None and old.job_id == info.id and old.stage in FINISHED
    if info is None or known or attempt_of(info) < old.attempt:  # less: the list is behind
        return old
    stage = str(getattr(info.status.stage, "value", info.status.stage))
    message = client.clean(info.status.message)[:300] if info.status.message else None
    seconds = float((info.durations and info.durations.running_secs) or 0)
    price = job.price if old.price is None or old.job_id != info.id else old.price
    spent = old.spent + price * seconds / 3600 if stage in FINISHED else old.spent
    missing = () if old.job_id != info.id else old.missing
    place = {"flavor": str(getattr(info.flavor, "value", info.flavor or job.flavor)), "price": price}
    state = JobState(stage, info.id, info.url, attempt_of(info), seconds, spent, message, missing=missing, **place)
    if not state.failed or stage == "CANCELED":
        return state
    log = client.log_tail(info.id, SHOWN_LINES)
    return replace(state, log=log, cause=failure_cause(message, log, seconds, seconds_of(run.timeout)))


def send_jobs(args: argparse.Namespace, client: JobsClient, run: EvalRun, todo: Sequence[EvalJob]) -> EvalRun:
    """Send jobs, at most --max-parallel at a time; run.json is written after each."""
    queue, sent = list(todo), []
    while queue:
        active = sum(state.active for state in run.states.values())
        room = len(queue) if args.max_parallel is None else max(0, args.max_parallel - active)
        for job in queue[:room]:
            old = run.states[job.name]
            info = client.submit(run, job, old.attempt + 1)
            place = {"flavor": job.flavor, "price": job.price}
            state = JobState("SCHEDULING", info.id, info.url, old.attempt + 1, spent=old.spent, **place)
            run = replace(run, states={**run.states, job.name: state})
            save_run(args, run)
            sent.append(job.name)
            note(f"sent {job.name} to {job.flavor}: {info.url}")
        queue = queue[room:]
        if queue:
            if room:
                note(f"{len(queue)} jobs wait for room (--max-parallel {args.max_parallel})")
            time.sleep(POLL_SECONDS)
            run = refreshed(client, run)
            save_run(args, run)
            check_hope(run, sent)
    return run


def check_hope(run: EvalRun, sent: Sequence[str]) -> None:
    """Stop sending when the first jobs have failed and none has succeeded: the others would cost and fail as well."""
    failed = [name for name in sent if run.states[name].failed]
    if any(run.states[name].stage == "CANCELED" for name in sent):
        raise ScriptError("a job was canceled, so the rest is not sent", code=1)
    if len(failed) >= HOPELESS and not any(state.succeeded for state in run.states.values()):
        raise ScriptError(
            f"{len(failed)} jobs have failed and none has succeeded, so the rest is not sent; "
            f"see {this_script()} status {run.run_id}",
            code=1,
        )


def follow(args: argparse.Namespace, client: JobsClient, run: EvalRun) -> EvalRun:
    """Look at the jobs until none runs: a live table in a terminal, a line for each change elsewhere."""
    with live_table() as show:
        while True:
            before, run = run, refreshed(client, run)
            save_run(args, run)
            show(before, run)
            if not any(state.active for state in run.states.values()):
                return run
            time.sleep(POLL_SECONDS)


@contextlib.contextmanager
def live_table() -> Iterator[Callable[[EvalRun, EvalRun], None]]:
    """Yields a function that shows a run after a look at it."""
    if not sys.stderr.isatty():

        def lines(before: EvalRun, run: EvalRun) -> None:
            for job, state in run.rows():
                if state.stage != before.states[job.name].stage:
                    note(f"{job.name}: {state.stage}{f' ({state.cause or state.message})' if state.failed else ''}")

        yield lines
        return
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(stderr=True), auto_refresh=False, transient=True) as live:
        yield lambda _, run: live.update(rich_rows(state_rows(run), summary(run)), refresh=True)


def show_failures(run: EvalRun) -> None:
    """The end of the log of failed jobs, and what to do."""
    failed = [(job, state) for job, state in run.rows() if state.failed]
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
    if failed or planned:
        note(f"\nsend what is missing or failed: {this_script()} --run-id {run.run_id}")


def this_script() -> str:
    """This script as it is started from the project's folder."""
    return f"uv run scripts/{Path(__file__).name}"


def print_run(run: EvalRun, as_json: bool) -> None:
    """The state of a run on stdout."""
    if as_json:
        print(json.dumps(run_to_json(run) | {"summary": summary(run)}, indent=1))
    elif sys.stdout.isatty():
        from rich.console import Console

        Console().print(rich_rows(state_rows(run), summary(run)))
    else:
        print(f"{render_table(state_rows(run))}\n\n{summary(run)}")
