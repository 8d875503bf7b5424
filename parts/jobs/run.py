"""run.json: what was planned and sent, kept so that a run goes on where it was."""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from parts.frame import (
    MAX_MESSAGE,
    VLLM,
    ScriptError,
    listing,
    note,
    refuse_link_out,
    refuse_strange_lock,
    script_word,
    single_line,
    write_whole,
)
from parts.inputs import is_input, read_json
from parts.jobs.client import job_labels
from parts.jobs.packing import locked_ever, strange_packages
from parts.jobs.vocabulary import (
    ACCOUNT,
    DATA_SET,
    DURATION,
    JOB_ENVIRONMENT,
    JOB_ID,
    NOT_KNOWN,
    PLANNED,
    PROVIDER_SCRIPT,
    RUN_SCHEMA,
    Catalog,
    EvalJob,
    EvalRun,
    JobState,
    duration_text,
    money,
)
from parts.outgoing import without_secrets
from parts.seal import is_sealed, sealed

LOCK_SECONDS = 5.0
MADE_AGAIN = (
    "move it away and give --run-id {} with the same --model and --task: the jobs are found on the Hub by their "
    "labels, and nothing is sent twice"
)
RUN_ID = re.compile(r"[A-Za-z0-9_-]{1,60}")
RUN_SEAL = "run.json 1"
MOST_CLAIMED = 100_000  # characters of what a run of another hand says; nobody looks through more
JOB_SCRIPTS = ("lighteval_vllm_uv.py", "inspect_vllm_uv.py", "lm_eval_vllm_uv.py", PROVIDER_SCRIPT)
IMAGE_NAME = re.compile(r"[A-Za-z0-9][\w./:@-]{0,300}")
JOB_NAME = re.compile(r"[A-Za-z0-9_][\w.-]{0,200}")
FLAVOR_NAME = re.compile(r"[\w.-]{1,60}")

# What logs of failed jobs say, the more particular first, and what to do about it.
CAUSES = (
    (
        r"larger than the (?:maximum number of tokens|available KV cache)|No available memory for the cache blocks",
        "no room for the longest request: submit with a smaller --max-model-len, or larger --hardware",
    ),
    (
        r"out of memory|OutOfMemoryError|OOMKilled|exit code:? 137",
        "out of memory: submit with a smaller --gpu-memory-utilization, larger --hardware, or --tensor-parallel-size",
    ),
    (
        r"GatedRepo|gated repo|\bis gated\b|\bgated:|access to \w+ \S+ is restricted",
        "a gated model or data set: accept its terms on its page on the Hub with the account of the token",
    ),
    (
        r"architectures? .{0,200}(?:are|is) not supported|does not recognize this architecture|no vLLM implementation",
        "an architecture that vLLM does not have: submit with --backend accelerate (inspect: --backend hf)",
    ),
    (
        r"no chat template|chat.template is (?:not set|missing)",
        "the tokenizer has no chat template: submit without --use-chat-template",
    ),
    (r"bfloat16 is only supported on GPUs", "this GPU has no bfloat16: submit with other --hardware, such as l4x1"),
    (
        r"(?:argument|option|set) .?trust_remote_code|model brings its own code",
        "the model brings its own code: read it, then submit with --trust-remote-code",
    ),
    (
        r"is not the file that was sent",
        "its files were changed in the bucket before it started: ask who may write to the buckets of the namespace",
    ),
    (r"No space left on device", "the disk is full: submit with larger --hardware"),
    (
        r"402 Client Error|Payment Required|exceeded your monthly included credits",
        "the provider wants to be paid: buy credits at https://huggingface.co/settings/billing",
    ),
    (r"401 Client Error|Invalid username or password", "the token was refused: log in again, then submit again"),
    (r"no task '", "the evaluation script has no such task: see its --list-tasks"),
    (r"No solution found when resolving", "the packages of the script could not be put together by uv"),
)


def hf_command(run: EvalRun, job: EvalJob) -> str:
    """The command of the `hf` program that submits the same job; the token is named, never written."""
    words = ["hf", "jobs", "uv", "run", "--detach", "--flavor", job.flavor, "-s", "HF_TOKEN"]
    words += ["--timeout", run.timeout, "--namespace", run.namespace]
    words += ["--image", run.image] if run.image else []
    for name, value in JOB_ENVIRONMENT.items():
        words += ["-e", f"{name}={value}"]
    for name, value in job_labels(run, job, run.states[job.name].attempt + 1).items():
        words += ["-l", f"{name}={value}"]
    if any(package.startswith("vllm==") for package in run.packages):
        words += ["--with", VLLM]
    return shlex.join([*words, script_word(run.script), *job.arguments])


def failure_cause(message: str | None, log: Sequence[str], ran: float, timeout: int) -> str | None:
    """What is known to lie behind a failure, with what to do; None when nothing is."""
    text = "\n".join([*log, message or ""])
    if (timeout > 0 and ran >= timeout) or re.search(r"job timeout|timed? ?out after", message or "", re.IGNORECASE):
        return f"it ran into its timeout: submit again with a longer --timeout (it was {duration_text(timeout)})"
    return next((advice for pattern, advice in CAUSES if re.search(pattern, text, re.IGNORECASE)), None)


def run_to_json(run: EvalRun) -> dict[str, Any]:
    """What run.json holds."""
    plan = {name: value for name, value in asdict(run).items() if name not in ("jobs", "states", "agreed", "refused")}
    jobs = [asdict(job) | {"state": asdict(state)} for job, state in run.rows()]
    return {"schema_version": RUN_SCHEMA, **plan, "jobs": jobs}


def run_from_json(data: Any, where: Path) -> EvalRun:
    """The run that a run.json holds; ScriptError when it is none, or asks for what no plan of this program asks."""
    if not isinstance(data, dict) or data.get("schema_version") != RUN_SCHEMA:
        raise ScriptError(f"{where}: not a run.json of version {RUN_SCHEMA}: {MADE_AGAIN.format(where.parent.name)}")
    try:
        rows = [dict(row) for row in data["jobs"]]
        states = {row["name"]: JobState(**tuples(row.pop("state"))) for row in rows}
        jobs = tuple(EvalJob(**tuples(row)) for row in rows)
        plan = {name: value for name, value in data.items() if name not in ("schema_version", "jobs", "seal")}
        run = EvalRun(**tuples(plan), jobs=jobs, states=states)
        check_run(run, where.parent.name)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        why = single_line(error)[:200]
        again = MADE_AGAIN.format(where.parent.name)
        raise ScriptError(f"{where}: damaged ({type(error).__name__}: {why}): {again}") from error
    return run


def check_run(run: EvalRun, run_id: str) -> None:
    """ValueError for a run that this program would not have planned: another's script, place, package, type."""
    check_types(run)
    if run.agreed is not None or run.refused:
        raise ValueError("it says what was agreed to, or refused")
    if run.run_id != run_id:
        raise ValueError(f"it is the run {run.run_id}, and stands in the folder {run_id}")
    if run.script not in JOB_SCRIPTS:
        raise ValueError(f"{run.script!r} is none of the scripts that are sent")
    if strange := strange_packages(run.script, run.packages):
        raise ValueError(f"{listing(strange)}: packages that no plan adds")
    for text, form in ((run.results_repo, DATA_SET), (run.namespace, ACCOUNT), (run.image or "x", IMAGE_NAME)):
        if not form.fullmatch(text):
            raise ValueError(f"{text!r} is no name for its place")
    if not run.jobs or len(run.states) != len(run.jobs):
        raise ValueError("no jobs, or two of one name")
    if not DURATION.fullmatch(run.timeout):
        raise ValueError(f"{run.timeout!r} is no timeout")
    for job in run.jobs:
        check_types(job)
        check_types(run.states[job.name])
        if not JOB_NAME.fullmatch(job.name) or job.folder != f"runs/{run_id}/{job.name}":
            raise ValueError(f"the job {job.name!r} has its folder at {job.folder!r}")
        for job_id in (run.states[job.name].job_id, *run.states[job.name].tries):
            if job_id is not None and not JOB_ID.fullmatch(job_id):
                raise ValueError(f"{job_id!r} is no job's id")
        if not FLAVOR_NAME.fullmatch(job.flavor):
            raise ValueError(f"{job.flavor!r} is no hardware")
        spent = (usd for usd in run.states[job.name].tries.values() if usd != NOT_KNOWN)
        amounts = (job.price, job.hours, job.tokens_usd, job.tokens_at_most or 0, *spent)
        if not all(0 <= value < 1e6 for value in (*amounts, run.max_cost or 0)):
            raise ValueError(f"the job {job.name} has a price or a time that is none")


def check_types(value: EvalRun | EvalJob | JobState) -> None:
    """ValueError when a field of a dataclass is not of its type: a text, a number, a tuple of texts, or None."""
    kinds = {"str": str, "float": int | float, "int": int, "str | None": str | None, "float | None": int | float | None}
    kinds |= {"int | None": int | None}
    for field in fields(value):
        given = getattr(value, field.name)
        if field.type == "tuple[str, ...]":
            good = isinstance(given, tuple) and all(isinstance(part, str) for part in given)
        elif field.type in ("dict[str, float]", "dict[str, str]"):
            good = isinstance(given, dict) and all(
                isinstance(part, str if "str]" in field.type else int | float) and not isinstance(part, bool)
                for part in given.values()
            )
        elif field.type == "bool":
            good = isinstance(given, bool)
        else:
            good = isinstance(given, kinds.get(field.type, object)) and not isinstance(given, bool)
        if not good:
            raise ValueError(f"{field.name} is {single_line(given)[:60]!r}, not {field.type}")


def tuples(values: dict[str, Any]) -> dict[str, Any]:
    """Lists, which JSON has, as tuples, which do not change."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def same_plan(old: EvalRun, new: EvalRun) -> bool:
    """Whether two plans ask for the same; hardware, prices and timeout may be others now."""
    return (old.script, old.namespace, old.results_repo, [job.name for job in old.jobs]) == (
        new.script,
        new.namespace,
        new.results_repo,
        [job.name for job in new.jobs],
    )


def run_file(args: argparse.Namespace, run_id: str) -> Path:
    """Where the run.json of a run is; ScriptError for an id that is no name, and for a folder that is a link."""
    if not RUN_ID.fullmatch(run_id):
        raise ScriptError(f"{run_id!r} is no run id: letters, digits, dashes and underscores, at most 60")
    folder = Path(args.runs_dir) / run_id
    if folder.is_symlink():
        raise ScriptError(f"{folder}: a link, and a run is written there: name where it leads with --runs-dir")
    return folder / "run.json"


def load_run(args: argparse.Namespace) -> EvalRun:
    """The run that a verb names; ScriptError with the runs that there are."""
    path = run_file(args, args.run_id)
    if not path.is_file():
        known = sorted(found.parent.name for found in Path(args.runs_dir).glob("*/run.json"))
        hint = f"there are {listing(known[-5:])}" if known else "give its folder with --runs-dir"
        raise ScriptError(f"{path}: no such run; {hint}")
    return read_run(path, args.adopt)


def read_run(path: Path, adopt: bool) -> EvalRun:
    """The run in a run.json that was written here; one of another machine is shown, and taken with --adopt only.

    ScriptError (3) for one without this user's seal: it decides what runs with the user's token and money.
    """
    try:
        data = read_json(path)
    except ScriptError as error:
        raise ScriptError(f"{error}: {MADE_AGAIN.format(path.parent.name)}") from error
    run = run_from_json(data, path)
    if is_sealed(data, RUN_SEAL):
        return run
    lines, size = claimed_lines(run), MAX_MESSAGE // 2
    if sum(map(len, lines)) > MOST_CLAIMED:
        raise ScriptError(f"{path}: of another hand, and more than can be looked through: plan it here", code=3)
    note(f"{path} was not written by you on this machine, or was changed since. It says:")
    for line in map(single_line, lines):  # whole: what is left out of a long line would be agreed to unseen
        for at in range(0, len(line), size):
            note(f"  {line[at : at + size]}")
    if not adopt:
        raise ScriptError(f"{path}: is that what you want? The same command with --adopt goes on with it", code=3)
    # Of this machine's files it decides nothing: no folder is uploaded for it, and the script is made here anew.
    run = replace(without_claims(run), files=run.travelling, uploads={}, script_sha256="")
    save_sealed(path, run)
    note(f"{path} is yours from now on")
    return run


def without_claims(run: EvalRun) -> EvalRun:
    """A run of another hand without what it says of costs and of what became of its jobs: a --max-cost counts on that.

    What its tokens cost at most is not known then, nor with what its results are sealed. Of each job that it names the
    Hub is asked, and what it does not know (the timeout of a job without our label) is not known here; what is
    measured, `collect` finds in the records.
    """
    most = None if run.script == PROVIDER_SCRIPT else 0.0
    jobs = tuple(replace(job, tokens_usd=0.0, tokens_at_most=most) for job in run.jobs)
    states = {
        name: JobState("SCHEDULING" if state.job_id else PLANNED, state.job_id, timeout=NOT_KNOWN)
        for name, state in run.states.items()
    }
    told = "the hours are what another hand has estimated: only the timeout bounds them"
    known = {"prices_known": False, "token_prices": {}, "seals_results": False}
    return replace(run, jobs=jobs, states=states, notes=(told,), **known)


def claimed_lines(run: EvalRun) -> list[str]:
    """All that a run.json decides, for people."""
    locked = locked_ever(run.script)
    other = [row for row in run.packages if row not in locked]
    lines = [
        f"planned by {run.owner or 'nobody who is named'}",
        f"script {run.script}, image {run.image or 'the default'}, packages: {len(run.packages) - len(other)} that are "
        f"locked here, others: {', '.join(other) or 'none'}",
        f"paid by {run.namespace}, timeout {run.timeout}, records to {run.results_repo}",
    ]
    lines += [f"sent with its jobs: the file {name} of this machine" for name in run.files]
    lines += [f"uploaded for it before: {place}" for place in run.uploads]
    lines += [claimed_state(job, state) for job, state in run.rows()]
    return lines + [hf_command(run, job) for job in run.jobs] + [f"{len(run.jobs)} jobs in all"]


def claimed_state(job: EvalJob, state: JobState) -> str:
    """What a run.json says of a job's fate, which only the Hub and the records know."""
    said = [state.stage, *(["measured"] if state.measured else []), f"ran {duration_text(state.seconds)}"]
    said += [f"cost {money(state.spent)}", f"timeout {duration_text(state.timeout)}" if state.timeout else "no timeout"]
    return f"{job.name}: job {state.job_id or '-'}; claimed, and not believed: {', '.join(said)}"


def check_sent_files(run: EvalRun) -> None:
    """ScriptError when a word of a job is a file here that the run does not name: the client would send it instead."""
    for job in run.waiting:
        if found := next((word for word in job.arguments if word not in run.files and is_input(word)), None):
            raise ScriptError(
                f"{single_line(found)}: a file of that name is here, and would be sent in its place: use another folder"
            )


def save_run(args: argparse.Namespace, run: EvalRun) -> None:
    """Write run.json, whole or not at all."""
    save_sealed(run_file(args, run.run_id), run)


def save_sealed(path: Path, run: EvalRun) -> None:
    """Write a run with its seal."""
    content = json.loads(without_secrets(json.dumps(run_to_json(run))))  # as it will be read
    write_whole(path, json.dumps(sealed(content, RUN_SEAL), indent=1) + "\n")


def at_prices_of_today(run: EvalRun, catalog: Catalog) -> EvalRun:
    """The run with the catalog's price on each job that waits; ScriptError for hardware that there is not."""
    waiting = {job.name for job in run.waiting}
    jobs = [replace(job, price=catalog.find(job.flavor).price) if job.name in waiting else job for job in run.jobs]
    return replace(run, jobs=tuple(jobs), prices_known=catalog.known)


@contextlib.contextmanager
def only_one(args: argparse.Namespace, run_id: str) -> Iterator[None]:
    """Let no two commands send jobs of the same run at a time, which would send some twice."""
    from huggingface_hub.utils import WeakFileLock

    path = run_file(args, run_id).with_name(".lock")
    refuse_link_out(path.parent)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        refuse_strange_lock(path)
        with WeakFileLock(path, timeout=LOCK_SECONDS):
            yield
    except TimeoutError as error:
        raise ScriptError(f"{run_id} is being submitted by another command: wait for it, or end it") from error
    except OSError as error:
        raise ScriptError(f"{path}: could not be written: {error.strerror or error}") from error
