"""submit, status, wait, logs, cancel and collect of both job scripts."""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from parts.frame import ScriptError, listing, note, printable
from parts.hub.token import job_token
from parts.jobs.client import JobsClient, job_errors
from parts.jobs.following import (
    ceiling_text,
    committed_text,
    cost_lines,
    follow,
    known_spent,
    plan_rows,
    print_run,
    refreshed,
    send_jobs,
    show_failures,
    this_script,
)
from parts.jobs.results import collect_job, fetch_folder
from parts.jobs.run import (
    at_prices_of_today,
    check_sent_files,
    hf_command,
    load_run,
    only_one,
    read_run,
    run_file,
    run_to_json,
    same_plan,
    save_run,
)
from parts.jobs.tasks import task_aliases
from parts.jobs.uploading import check_own_files, upload_checkpoints
from parts.jobs.vocabulary import (
    DATA_SET,
    DEFAULT_TIMEOUT,
    NOT_KNOWN,
    RUN_SCHEMA,
    SHOWN_LINES,
    Collected,
    EvalJob,
    EvalRun,
    duration_seconds,
    duration_text,
    money,
)
from parts.seal import run_key
from parts.tables import render_table

# Flags that do not change the plan of a run.
FREE_FLAGS = {
    *("verb", "run", "run_id", "runs_dir", "model", "task", "timeout", "namespace", "max_cost", "max_parallel"),
    *("yes", "wait", "json", "dry_run", "adopt", "canceled"),
}
JOB_SPLITS = ("model", "task", "both")
MOST_DOLLARS = 1_000_000
MAX_WORD = 200  # bytes of a model's or task's name


TokenPrices = Callable[[EvalRun], Mapping[str, float]]  # those of now, as the plan has those of then


def submit(
    args: argparse.Namespace,
    planned: Callable[[argparse.Namespace, JobsClient | None], EvalRun],
    token_prices: TokenPrices = lambda run: {},
) -> int:
    """Plan a run or take up the one on disk, show it, ask, send what is missing or failed."""
    client = connected(args)
    run = resumed(args, client, planned)
    if client:
        client.namespace = run.namespace  # of the run that is gone on with
        run = at_prices_of_today(run, client.catalog()) if not args.model else run
        run = check_owner(run, client, args) if not args.dry_run else run
    if client and (args.run_id or not args.dry_run):
        run = refreshed(client, run)
    problem = objection_to(run, token_prices)
    show_run_plan(run, args, problem)
    if problem:
        raise problem
    if args.dry_run:
        return 0
    if run.waiting:
        consent(run, args)
        run = replace(run, agreed=tuple(job.name for job in run.waiting))
        client.open_private(run.results_repo, "dataset", "--results-repo")
        upload_checkpoints(client, run)
        run = send_missing(args, client, run, token_prices)
    else:
        save_run(args, run)
        note("nothing to send: no job is missing or has failed")
    if args.wait:
        return finished_run(args, follow(args, client, run))
    print_run(run, args.json)
    note(f"next: {this_script()} wait {run.run_id}, then {this_script()} collect {run.run_id}")
    return 0


def send_missing(args: argparse.Namespace, client: JobsClient, run: EvalRun, token_prices: TokenPrices) -> EvalRun:
    """Send what was agreed to and still waits; an error says how to go on with the run."""
    shown, path = run, run_file(args, run.run_id)
    with only_one(args, run.run_id):
        if path.is_file():  # what another command has sent or brought home meanwhile is not sent again
            now = read_run(path, args.adopt)
            if not same_plan(now, run):
                raise ScriptError(f"{path}: another command has planned other jobs meanwhile: look at it again", 3)
            run = replace(run, states=now.states)
        run = refreshed(client, run)
        save_run(args, run)
        note(f"the plan and the state of every job: {path}")
        if late := {job.name for job in replace(run, agreed=None).waiting} - set(run.agreed or ()):
            note(f"not sent, since they wait only now and were not shown: {listing(sorted(late))}")
        try:
            run = send_jobs(args, client, run, lambda now: as_agreed(client, shown, now, token_prices))
        except ScriptError as error:
            raise ScriptError(f"{error}; go on with: {this_script()} --run-id {run.run_id}", error.code) from error
    return replace(run, agreed=None)


def as_agreed(client: JobsClient, shown: EvalRun, run: EvalRun, token_prices: TokenPrices) -> EvalRun:
    """The run as it is when jobs of it are sent, at the prices of now; ScriptError (3) when it is no more what was
    shown: jobs at a higher price, above --max-cost, other files."""
    if shown.prices_known:
        run = at_prices_of_today(run, client.catalog())
    prices = {job.name: job.price for job in shown.jobs}
    dearer = next((job for job in run.waiting if job.price > prices[job.name]), None)
    if dearer:
        raise ScriptError(
            f"{dearer.name}: {money(prices[dearer.name])} for an hour of {dearer.flavor} were shown, and it is "
            f"{money(dearer.price)} now: not sent",
            code=3,
        )
    if problem := objection_to(run, token_prices):
        raise ScriptError(f"not what was agreed to any more: {problem}", code=3)
    return run


def objection_to(run: EvalRun, token_prices: TokenPrices) -> ScriptError | None:
    """Why the jobs that wait are not sent, or None."""
    try:
        refuse_models(run)
        check_own_files(run)
        check_sent_files(run)
        check_times(run)
        check_cost(run)
        if run.waiting and run.token_prices:
            check_token_prices(run, token_prices(run))
    except ScriptError as error:
        return error
    return None


def refuse_models(run: EvalRun) -> None:
    """ScriptError (1) when some of the models cannot run: the plan is that of the others."""
    if run.refused:
        left = "it" if len(run.refused) == 1 else "them"
        line = f"nothing was sent; the same command without {left} sends what is shown"
        raise ScriptError("\n".join((*run.refused, line)), code=1)


def show_run_plan(run: EvalRun, args: argparse.Namespace, problem: ScriptError | None) -> None:
    """What would be sent: on stdout for a dry run, where it is the answer, else on stderr; with --json also why not."""
    commands = {job.name: hf_command(run, job) for job in run.waiting}
    if args.json and (args.dry_run or problem):
        estimate = {"usd": round(run.dollars, 4), "usd_at_most": rounded_cents(run.ceiling)}
        estimate |= {
            "to_send": len(run.waiting),
            "usd_spent": known_spent(run),
            "usd_at_most_in_all": rounded_cents(run.at_most),
        }
        reason = {"reason": str(problem)} if problem else {}
        print(json.dumps(run_to_json(run) | {"estimate": estimate, "commands": commands} | reason, indent=1))
        return
    parts = [render_table(plan_rows(run)), "", *cost_lines(run), f"records: {run.results_repo}/runs/{run.run_id}/"]
    if commands:
        other = f" (and {len(commands) - 1} like it: --json)" if len(commands) > 1 else ""
        parts += ["", f"by hand, in versions of the day{other}:", f"  {next(iter(commands.values()))}"]
    print("\n".join(parts), file=sys.stdout if args.dry_run else sys.stderr)


def rounded_cents(amount: float | None) -> float | None:
    """Dollars to the next cent above: what is called a ceiling is none that is rounded down."""
    return None if amount is None else math.ceil(round(amount * 100, 6)) / 100


def check_submission(args: argparse.Namespace) -> None:
    """What argparse cannot know of the flags of any submission."""
    duration_seconds(args.timeout or DEFAULT_TIMEOUT)
    defaults = vars(args.parser.parse_args([]))
    changed = [name for name, value in vars(args).items() if name not in FREE_FLAGS and value != defaults[name]]
    if changed and not args.model:
        flag = changed[0].replace("_", "-")
        raise ScriptError(
            f"--{flag}: --run-id alone goes on with the plan as it is: give --model and --task again as well"
        )
    sizes = ("tensor_parallel_size", "max_model_len", "batch_size", "max_connections", "max_tokens")
    for name in ("limit", "max_parallel", "max_cost", *sizes):
        if getattr(args, name, None) is not None and not getattr(args, name) > 0:  # "not": --max-cost nan
            raise ScriptError(f"--{name.replace('_', '-')} must be above 0")
    if args.max_cost is not None and args.max_cost >= MOST_DOLLARS:
        raise ScriptError(f"--max-cost {args.max_cost:g} is no cap: below {MOST_DOLLARS:,} dollars")
    if args.results_repo and not DATA_SET.fullmatch(args.results_repo):
        raise ScriptError(f"--results-repo {args.results_repo}: write OWNER/NAME")
    for name in ("model", "task"):
        values = getattr(args, name) or []
        if len(set(values)) < len(values):
            raise ScriptError(f"--{name}: {max(values, key=values.count)} is named twice")
    for word in [*(args.model or []), *(args.task or [])]:
        if len(word.encode()) > MAX_WORD:
            raise ScriptError(f"{word[:60]}...: longer than {MAX_WORD} bytes, which the client cannot send")
    for task in args.task or []:
        if ".py" in task:
            raise ScriptError(
                f"--task {task}: a file of this machine, which a job cannot see: name a task of the package"
            )
        if task.startswith("-") or not task.strip() or "," in task:
            raise ScriptError(f"--task {task!r} is no task: write them apart, without commas")


def connected(args: argparse.Namespace) -> JobsClient | None:
    """The Hub with the user's token; for a dry run None when there is no token or no network."""
    try:
        client = JobsClient(job_token(), args.namespace)
        if args.dry_run and args.namespace:
            client.account()  # is the Hub there?
        return client
    except ScriptError as error:
        if not args.dry_run:
            raise
        note(f"warning: planned without the Hub ({error})")
        return None


def resumed(
    args: argparse.Namespace,
    client: JobsClient | None,
    planned: Callable[[argparse.Namespace, JobsClient | None], EvalRun],
) -> EvalRun:
    """The run of --run-id, which must be the one asked for when models are given too; else a new plan."""
    path = run_file(args, args.run_id) if args.run_id else None
    old = read_run(path, args.adopt) if path and path.is_file() else None
    if not args.model:
        if old is None:
            raise ScriptError(f"--run-id {args.run_id}: no {path}: give --model and --task as well")
        return with_wishes(replace(old, timeout=args.timeout or old.timeout), args)
    new = with_wishes(planned(args, client), args)
    if old is None:
        return new
    refuse_models(new)
    if not same_plan(old, new):
        raise ScriptError(
            f"--run-id {args.run_id} was planned for other jobs ({path}): leave --model and --task out "
            "to go on with it, or give another --run-id"
        )
    kept = {"states": old.states, "packages": old.packages, "script_sha256": old.script_sha256}
    return replace(new, **kept, max_cost=old.max_cost if args.max_cost is None else args.max_cost)


def with_wishes(run: EvalRun, args: argparse.Namespace) -> EvalRun:
    """The run with what a command may say anew: its cap, whether canceled jobs are wanted after all."""
    return replace(
        run, max_cost=run.max_cost if args.max_cost is None else args.max_cost, canceled_too=bool(args.canceled)
    )


def check_owner(run: EvalRun, client: JobsClient, args: argparse.Namespace) -> EvalRun:
    """The run with its owner; ScriptError (3) when the token is another account's than the one that planned it."""
    account = client.account()
    if run.owner and run.owner != account and not args.adopt:
        raise ScriptError(
            f"--run-id {run.run_id} was planned by {run.owner}, and this token is {account}'s: "
            "log in as the former, or add --adopt",
            code=3,
        )
    return replace(run, owner=account)


def check_times(run: EvalRun) -> None:
    """ScriptError (3) when a job is estimated to be cut off by its timeout: it would be paid for and give little."""
    late = [job for job in run.waiting if job.hours * 3600 > duration_seconds(run.timeout)]
    if not late:
        return
    longest = max(job.hours for job in late)
    raise ScriptError(
        f"{len(late)} of {len(run.waiting)} jobs are estimated to need up to {duration_text(longest * 3600)}, and "
        f"--timeout {run.timeout} would cut them off: {longer(run, longest)}, or shorter jobs: --split both, --limit N",
        code=3,
    )


def longer(run: EvalRun, hours: float) -> str:
    """The --timeout for jobs of so many hours, with half as much again where the run's --max-cost bears it."""
    wanted = f"{math.ceil(1.5 * hours)}h"
    if run.max_cost is None or (most := replace(run, timeout=wanted).at_most) is None or most <= run.max_cost + 1e-9:
        return f"--timeout {wanted} would do"
    if (minutes := paid_minutes(run)) >= 60 * hours:
        return f"--timeout {minutes}m would do (more is above --max-cost {run.max_cost:g})"
    least = math.ceil(hours)
    most = replace(run, timeout=f"{least}h").at_most or 0.0
    return f"--timeout {least}h with --max-cost {math.ceil(most)} would do (it costs {money(most)} at most)"


def check_cost(run: EvalRun) -> None:
    """ScriptError when the run could cost more than --max-cost (1), or nobody knows whether it could (3).

    What counts is the largest possible cost: spent, running and waiting jobs, each until its timeout.
    """
    if run.max_cost is None or not run.waiting:
        return
    cap = f"--max-cost {run.max_cost:g}"
    if not run.prices_known:
        raise ScriptError(f"{cap}: the Hub did not say its prices of today, so nothing bounds the cost: try later", 3)
    if run.at_most is None:
        raise ScriptError(f"{cap}: {unknown_ceiling(run)}", code=3)
    if run.at_most <= run.max_cost + 1e-9:
        return
    before = f" ({committed_text(run)})" if run.committed else ""
    raise ScriptError(
        f"{money(run.at_most)} is what the run can cost at most{before}, which is above {cap}: not sent; "
        f"{cheaper(run)}, or a higher --max-cost",
        code=1,
    )


def check_token_prices(run: EvalRun, now: Mapping[str, float]) -> None:
    """ScriptError (3) when a provider's tokens cost more than when they were planned, or nobody says what they cost."""
    for name, planned in run.token_prices.items():
        if not now.get(name, math.inf) <= planned:
            today = money(now[name]) if name in now else "not known"
            raise ScriptError(
                f"a million tokens of {name}: {money(planned)} when the run was planned, and {today} now: plan anew, "
                "with another --run-id",
                code=3,
            )


def unknown_ceiling(run: EvalRun) -> str:
    """Why a run has no ceiling, and what gives it one."""
    strange = [name for name, state in run.states.items() if state.active and state.timeout == NOT_KNOWN]
    if strange:
        return f"{strange[0]} runs, sent by another hand with a timeout that the Hub does not tell: wait for it"
    unpriced = [(name, state) for name, state in run.states.items() if state.unpriced]
    if unpriced:
        name, state = unpriced[0]
        return f"{name} ran on {state.flavor}, whose price the Hub does not say: send the rest as another --run-id"
    unbounded = [note for note in run.notes if note.startswith("no ceiling: ")]
    return unbounded[0].removeprefix("no ceiling: ") if unbounded else "the tokens of a provider have no known ceiling"


def paid_minutes(run: EvalRun) -> int:
    """The longest --timeout of all jobs that wait for which the run's --max-cost pays."""
    left = run.max_cost - (run.committed or 0.0) - sum(job.tokens_at_most or 0.0 for job in run.waiting)
    hourly = sum(job.price for job in run.waiting)
    return int(left / hourly * 60) if hourly > 0 else 0


def cheaper(run: EvalRun) -> str:
    """What would bring a run below its --max-cost: a shorter timeout where the jobs have the time, else less work."""
    minutes = paid_minutes(run)
    longest = max(job.hours for job in run.waiting)
    if minutes >= 60 * longest:
        return f"--timeout {minutes}m would do (the estimate is {duration_text(longest * 3600)})"
    return "fewer tasks or models, or --limit N"


def consent(run: EvalRun, args: argparse.Namespace) -> None:
    """Ask before money is spent; outside a terminal only --yes is consent."""
    paid = [job for job in run.waiting if job.price > 0]
    if not paid or args.yes:
        return
    what = f"{len(paid)} paid jobs, estimated {money(run.dollars)}, {ceiling_text(run)}"
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        if args.json:
            print(json.dumps({"schema_version": RUN_SCHEMA, "run_id": run.run_id, "reason": f"{what}: add --yes"}))
        raise ScriptError(f"{what}: add --yes to send them", code=3)
    print(f"{what}. Send them? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise ScriptError("nothing was sent", code=3)


def finished_run(args: argparse.Namespace, run: EvalRun) -> int:
    """Say how a run ended: 0 all succeeded, 1 some did not."""
    print_run(run, args.json)
    show_failures(run)
    succeeded = all(state.succeeded for state in run.states.values())
    if any(state.succeeded or state.failed for state in run.states.values()):
        note(f"next: {this_script()} collect {run.run_id}")
    return 0 if succeeded else 1


def verb_client(args: argparse.Namespace, run: EvalRun) -> JobsClient:
    """The Hub, in the namespace in which the run's jobs are."""
    return JobsClient(job_token(), run.namespace)


def status(args: argparse.Namespace) -> int:
    """Show a run; in a terminal until no job runs any more, or Ctrl-C."""
    run = load_run(args)
    client = verb_client(args, run)
    if sys.stdout.isatty() and not args.json:
        with contextlib.suppress(KeyboardInterrupt):
            run = follow(args, client, run)
    else:
        run = refreshed(client, run)
        save_run(args, run)
    print_run(run, args.json)
    show_failures(run)
    return 0


def wait(args: argparse.Namespace) -> int:
    """Follow a run until no job runs any more; what was not sent yet is not sent."""
    run = load_run(args)
    return finished_run(args, follow(args, verb_client(args, run), run))


def chosen_jobs(run: EvalRun, names: Sequence[str] | None) -> list[EvalJob]:
    """The jobs that --job names, or all; ScriptError for an unknown name."""
    unknown = set(names or ()) - {job.name for job in run.jobs}
    if unknown:
        raise ScriptError(f"--job {min(unknown)}: no such job in {run.run_id}; see {this_script()} status {run.run_id}")
    return [job for job in run.jobs if not names or job.name in names]


def logs(args: argparse.Namespace) -> int:
    """Print the end of the jobs' logs, or follow the log of one job."""
    run = load_run(args)
    client = verb_client(args, run)
    run = refreshed(client, run)
    jobs = [job for job in chosen_jobs(run, args.job) if run.states[job.name].job_id]
    if not jobs:
        raise ScriptError(f"{run.run_id}: none of these jobs was sent yet")
    if args.follow:
        return follow_log(client, run, jobs)
    found = {job.name: client.read_log(run.states[job.name].job_id, args.tail) for job in jobs}
    if args.json:
        print(json.dumps({"schema_version": RUN_SCHEMA, "run_id": run.run_id, "logs": found}, indent=1))
        return 0
    for name, lines in found.items():
        print("\n".join([*([f"===== {name}"] if len(found) > 1 else []), *lines]))
    return 0


def follow_log(client: JobsClient, run: EvalRun, jobs: Sequence[EvalJob]) -> int:
    """Print a job's log as it grows, until the job ends."""
    if len(jobs) != 1:
        raise ScriptError("--follow follows one job: name it with --job NAME")
    job_id = run.states[jobs[0].name].job_id
    with job_errors(f"reading the log of {jobs[0].name}", client.token):
        for line in client.api.fetch_job_logs(job_id=job_id, namespace=client.namespace, follow=True):
            print(client.clean(line), flush=True)
    return 0


def cancel(args: argparse.Namespace) -> int:
    """Cancel the jobs of a run that wait or run."""
    run = load_run(args)
    client = verb_client(args, run)
    run = refreshed(client, run)
    active = [job for job in chosen_jobs(run, args.job) if run.states[job.name].active]
    for job in active:
        with job_errors(f"canceling {job.name}", client.token):
            client.patiently(client.api.cancel_job, job_id=run.states[job.name].job_id, namespace=client.namespace)
        note(f"canceled {job.name}")
    if not active:
        note("nothing to cancel: no job waits or runs")
    run = refreshed(client, run)
    save_run(args, run)
    print_run(run, args.json)
    return 0


def collect_results(args: argparse.Namespace) -> int:
    """Bring the records of a run home, checked; exit code 1: some are missing or unsound."""
    run = load_run(args)
    client = verb_client(args, run)
    run = refreshed(client, run)
    fetched, output, aliases = fetch_folder(client, run), Path(args.output_dir), task_aliases()
    key = run_key(run.run_id) if run.seals_results and not args.adopt else ""
    if not key:
        note(f"whether its jobs wrote what is in {run.results_repo} is not looked at: it was adopted")
    found = {job.name: collect_job(job, fetched, output, aliases, key) for job in run.jobs}
    states = {
        name: replace(state, missing=found[name].missing, measured=state.attempt > 0 and not found[name].missing)
        for name, state in run.states.items()
    }
    run = replace(run, states=states)
    save_run(args, run)
    report_collected(run, found, output, args.json)
    return 1 if any(part.missing or part.problems for part in found.values()) else 0


def report_collected(run: EvalRun, found: dict[str, Collected], output: Path, as_json: bool) -> None:
    """Say what came home, and what did not."""
    if as_json:
        jobs = [{"job": name, "stage": run.states[name].stage, **asdict(part)} for name, part in found.items()]
        print(json.dumps({"schema_version": RUN_SCHEMA, "run_id": run.run_id, "jobs": jobs}, indent=1))
    else:
        rows = [["job", "stage", "records", "missing"]]
        for name, part in found.items():
            rows.append([name, run.states[name].stage, str(len(part.records)), str(len(part.missing))])
        print(render_table(rows))
        print(f"\n{sum(len(part.records) for part in found.values())} records in {output / 'data'}")
    for name, part in found.items():
        left_out = [f"{text}: left out, not sound; a later record of it is" for text in part.replaced]
        for text in [*(f"missing: {text}" for text in part.missing), *part.problems, *left_out]:
            note(printable(f"{name}: {text}"))
    if any(part.missing for part in found.values()):
        note(f"what is missing is evaluated again by: {this_script()} --run-id {run.run_id}")


def add_submission(parser: argparse.ArgumentParser) -> None:
    """The flags of a submission that do not depend on what is sent."""
    add = parser.add_argument
    add(
        "--limit",
        "--max-samples",
        type=int,
        metavar="N",
        help="only N items of each task, of a family of each subtask (a smoke test, no result)",
    )
    add("--timeout", metavar="T", help=f"after which the Hub ends a job: 90m, 1d; default: {DEFAULT_TIMEOUT}")
    add("--namespace", metavar="ORG", help="account or organization that runs and pays; default: the token's owner")
    add("--results-repo", metavar="REPO", help="data set OWNER/NAME for the records, made private when it is new")
    add(
        "--max-cost",
        type=float,
        metavar="USD",
        help="send nothing when all jobs, each until its timeout, could cost more; kept",
    )
    add("--max-parallel", type=int, metavar="N", help="at most N jobs at a time; default: all at once")
    add("--split", choices=JOB_SPLITS, help="one job per model, task or both; default: checkpoints of a model together")
    add("--run-id", metavar="ID", help="name of the run; with a known one, only what is missing or failed is sent")
    add("--canceled", action="store_true", help="with --run-id: send canceled jobs again as well")
    add("--image", metavar="IMAGE", help="a Docker image with uv in it; default: the client's own")
    add("--yes", action="store_true", help="do not ask before paid jobs are sent")
    add("--wait", action="store_true", help="stay until all jobs have ended")
    add("--dry-run", action="store_true", help="show the jobs, what they cost and the commands; send nothing")
    add_shared(parser)


def add_shared(parser: argparse.ArgumentParser) -> None:
    """The flags that every verb has."""
    parser.add_argument("--runs-dir", default="runs", metavar="DIR", help="where run.json is kept; default: runs")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of a table")
    parser.add_argument("--adopt", action="store_true", help="go on with a run.json of another machine, once looked at")


def add_verbs(parser: argparse.ArgumentParser) -> None:
    """status, logs, wait, cancel and collect."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", title="verbs, each with the id of a run")
    told = {"status": status, "logs": logs, "wait": wait, "cancel": cancel, "collect": collect_results}
    for name, command in told.items():
        text = (command.__doc__ or "").split("\n")[0]
        verb = verbs.add_parser(name, help=text, description=text)
        verb.add_argument("run_id", metavar="RUN_ID")
        add_shared(verb)
        verb.set_defaults(run=command)
        if name in ("logs", "cancel"):
            verb.add_argument("--job", nargs="+", metavar="NAME", help="only these jobs")
        if name == "logs":
            verb.add_argument("--tail", type=int, default=SHOWN_LINES, metavar="N", help="lines of each (default: 30)")
            verb.add_argument("--follow", action="store_true", help="go on until the job ends")
        if name == "collect":
            verb.add_argument("--output-dir", default="results", metavar="DIR", help="default: results")
