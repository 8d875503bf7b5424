"""The Jobs service of the Hub: submitting, asking, trying again."""

from __future__ import annotations

import collections
import contextlib
import functools
import hashlib
import io
import math
import os
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from parts.frame import MAX_TRIES, ScriptError, count_in, printable, single_line
from parts.hub.access import unexpected_answer
from parts.hub.answers import listed, watch_answers
from parts.hub.committing import UNEXPECTED, known_identity
from parts.hub.private_repo import make_private_repo, refuse_public
from parts.hub.result_seal import RESULTS_KEY
from parts.hub.retry import LOG_IN, seconds_to_wait, worth_repeating
from parts.jobs.vocabulary import (
    ACCOUNT,
    ATTEMPT_LABEL,
    CHECKED_WORDS,
    JOB_ENVIRONMENT,
    JOB_ID,
    JOB_LABEL,
    RUN_LABEL,
    TIMEOUT_LABEL,
    WORDS_HASH,
    Catalog,
    EvalJob,
    EvalRun,
    Flavor,
    duration_seconds,
    family,
    label_value,
    plain_task,
)
from parts.names import PACKAGES_VARIABLE
from parts.private import scrub
from parts.seal import run_key

JOB_REASONS = {
    400: "the Hub does not accept it",
    401: f"the token is not valid; {LOG_IN} again",
    402: "add a payment method or credits at https://huggingface.co/settings/billing, or take cheaper --hardware",
    403: "the token may not do this: it needs permission to run jobs (job.write) and to write to the data set, both in "
    "this namespace: https://huggingface.co/settings/tokens",
    404: "no such account, job or data set, or no access to it",
    429: "too many requests, or jobs at a time: wait some minutes, or give --max-parallel N",
}


UNITS_OF_AN_HOUR = {"minute": 60, "hour": 1, "second": 3600}  # a price of any other unit is none


def job_labels(run: EvalRun, job: EvalJob, attempt: int) -> dict[str, str]:
    """The labels by which a job is found again, whoever lost run.json."""
    model = family(job.models[0]) if len(job.models) > 1 else job.models[0]
    task = plain_task(job.tasks[0]) if len(job.tasks) == 1 else f"{len(job.tasks)}-tasks"
    found = {RUN_LABEL: run.run_id, JOB_LABEL: job.name, ATTEMPT_LABEL: str(attempt), "model": model, "task": task}
    found[TIMEOUT_LABEL] = str(duration_seconds(run.timeout))  # which the Hub does not tell
    return {name: label_value(value) for name, value in found.items()} | {"name": label_value(job.name)}


class HubAway(ScriptError):
    """The Hub could not be asked, for now: nothing is known to have changed, and a later try may be answered."""


def behind(error: BaseException) -> BaseException:
    """The Hub's answer that an error comes from, such as that of a failed upload; itself when there is none."""
    from huggingface_hub.errors import HfHubHTTPError

    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, HfHubHTTPError):
        cause = cause.__cause__ or cause.__context__
    return cause or error


def refused_upload(error: BaseException) -> int | None:
    """The status with which a bucket refused a script, for the client's uploader tells it in its text alone."""
    found = re.search(r"(?<!\d)(40[123])\W+(?:Unauthorized|Payment Required|Forbidden)", str(error))
    return int(found[1]) if found else None


@contextlib.contextmanager
def job_errors(doing: str, token: str) -> Iterator[None]:
    """Turn what the Hub's client raises into one line that says what failed and what to do."""
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    watch_answers()
    try:
        yield
    except ScriptError:
        raise
    except HFValidationError as error:
        raise ScriptError(f"{doing}: {str(error).splitlines()[0]}") from error
    except (HfHubHTTPError, httpx2.HTTPError, OSError, RuntimeError) as error:  # RuntimeError: the script's upload
        answer = behind(error)
        response = getattr(answer, "response", None) if isinstance(answer, HfHubHTTPError) else None
        status = response.status_code if response is not None else refused_upload(error)
        said = str(getattr(answer, "server_message", None) or ("" if status else error)).replace(token, "***")
        said = scrub(" ".join(said.split()))[:200]
        if status is None:
            raise HubAway(f"{doing}: the connection failed ({said or type(error).__name__})") from error
        advice = JOB_REASONS.get(status, f"the Hub answered {status}")
        away = isinstance(answer, HfHubHTTPError) and worth_repeating(answer)
        raise (HubAway if away else ScriptError)(f"{doing}: {said + ': ' if said else ''}{advice}") from error
    except UNEXPECTED as error:
        raise ScriptError(scrub(f"{doing}: {unexpected_answer(error)}")) from error


class JobsClient:
    """The Hub's Jobs API as one account uses it; what is refused for now is asked again."""

    def __init__(self, token: str, namespace: str | None) -> None:
        import logging

        from huggingface_hub import HfApi
        from huggingface_hub.utils import disable_progress_bars

        disable_progress_bars()
        logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
        self.token = token
        self.api = HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None, token=token)
        self.namespace = namespace or self.account()
        if not ACCOUNT.fullmatch(self.namespace):
            raise ScriptError(f"{single_line(self.namespace)[:60]!r} is no account's name")
        self.prices: dict[str, float] | None = None
        self.refused: set[str] = set()  # ids of jobs that bear our labels and are not ours: each is said once

    def account(self) -> str:
        """The name of the token's owner."""
        with job_errors("asking the Hub who you are", self.token):
            return known_identity(self.patiently(self.api.whoami), "asking the Hub who you are")["name"]

    @functools.cached_property
    def user(self) -> str:
        """The account, asked once."""
        return self.account()

    def patiently(self, call: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Call, and call again on 429, 5xx and broken connections, when the Hub says."""
        import tenacity

        again = tenacity.Retrying(
            retry=tenacity.retry_if_exception(worth_repeating),
            wait=seconds_to_wait,
            stop=tenacity.stop_after_attempt(MAX_TRIES),
            reraise=True,
        )
        return again(call, *args, **options)

    def clean(self, text: str) -> str:
        """A line from the Hub without tokens and control characters."""
        return scrub(printable(text).replace(self.token, "***"))

    def catalog(self) -> Catalog:
        """The flavors there are now."""
        with job_errors("asking for the hardware of Jobs", self.token):
            rows = self.patiently(listed, self.api.list_jobs_hardware)
            if not rows:
                raise ScriptError("asking for the hardware of Jobs: the Hub lists none")
            priced = [row for row in rows if is_price(row.unit_cost_usd) and str(row.unit_label) in UNITS_OF_AN_HOUR]
            if not priced:
                raise ScriptError("asking for the hardware of Jobs: the Hub names no price of any", code=3)
            return Catalog(tuple(map(flavor_from_hub, priced)), "the Hub's list of today")

    def price(self, flavor: str) -> float | None:
        """Today's dollars for an hour of a flavor; None for one that there is no more, or that has no price."""
        if self.prices is None:
            self.prices = {row.name: row.price for row in self.catalog().flavors}
        return self.prices.get(flavor)

    def jobs_of(self, run_id: str) -> dict[str, list[Any]]:
        """The jobs on the Hub for each job name of a run, the newest last."""
        labels = {RUN_LABEL: label_value(run_id)}
        with job_errors("listing the jobs of this run", self.token):
            infos = self.patiently(listed, lambda: self.api.list_jobs(labels=labels, namespace=self.namespace))
            infos = [with_sound_id(info) for info in infos]
        found: dict[str, list[Any]] = collections.defaultdict(list)
        for info in sorted(infos, key=lambda info: (attempt_of(info), str(info.created_at))):
            found[(info.labels or {}).get(JOB_LABEL, "")].append(info)
        return found

    def job(self, job_id: str) -> Any:
        """One job as the Hub has it; None when it knows none of this id."""
        from huggingface_hub.errors import HfHubHTTPError

        with job_errors(f"asking for the job {job_id}", self.token):
            try:
                info = with_sound_id(self.patiently(self.api.inspect_job, job_id=job_id, namespace=self.namespace))
            except HfHubHTTPError as error:
                if error.response is not None and error.response.status_code == 404:
                    return None
                raise
            if info.id != job_id:
                raise ScriptError(f"the Hub answered with another job than {job_id}: {info.id}")
            return info

    def submit(self, run: EvalRun, job: EvalJob, attempt: int, files: Mapping[str, str]) -> Any:
        """Send one job, once: after a failure that may have come behind the Hub's back, its labels are looked up.

        files: the script, and what travels with it, by their places here: SHA-256 of each.
        """
        import tenacity

        labels = job_labels(run, job, attempt)
        again = tenacity.Retrying(
            retry=tenacity.retry_if_exception(worth_sending_again),
            wait=seconds_to_wait,
            stop=tenacity.stop_after_attempt(MAX_TRIES),
            reraise=True,
        )
        with job_errors(f"submitting {job.name}", self.token):
            for trial in again:
                with trial:
                    if trial.retry_state.attempt_number > 1 and (known := self.submitted(run, job.name, labels)):
                        return known
                    return with_sound_id(self.send(run, job, labels, files))

    def submitted(self, run: EvalRun, name: str, labels: dict[str, str]) -> Any:
        """Our job with these labels, when an earlier try reached the Hub after all."""
        wanted = {label: labels[label] for label in (RUN_LABEL, JOB_LABEL, ATTEMPT_LABEL)}
        infos = listed(lambda: self.api.list_jobs(labels=wanted, namespace=self.namespace))
        job = next(job for job in run.jobs if job.name == name)
        return next((info for info in map(with_sound_id, infos) if not not_ours(self, info, run, job)), None)

    def refuse_public_bucket(self) -> None:
        """ScriptError (3) where the bucket for the files of jobs is public; it is made when there is none."""
        from huggingface_hub import constants

        name = f"{self.namespace}/{constants.HF_JOBS_ARTIFACTS_BUCKET_NAME}"
        self.api.create_bucket(name, private=True, exist_ok=True)
        if self.api.bucket_info(name).private is not True:
            raise ScriptError(f"the bucket {name} is public, and the files of jobs go there: make it private", code=3)

    def send(self, run: EvalRun, job: EvalJob, labels: dict[str, str], files: Mapping[str, str]) -> Any:
        """One submission, by the client's own way; what it prints goes to stderr.

        The client is told to run a command, of which it sends each word that is a file: one that checks them first.
        """
        self.refuse_public_bucket()
        words = [next(iter(files)), *job.arguments]
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # run_uv_job is marked experimental
            return self.api.run_uv_job(
                CHECKED_WORDS[0],
                script_args=[*CHECKED_WORDS[1:], *hashes_of_words(words, files), "--", *words],
                image=run.image,
                env=dict(JOB_ENVIRONMENT) | {PACKAGES_VARIABLE: packages_hash(run.packages)},
                secrets={"HF_TOKEN": self.token, RESULTS_KEY: run_key(run.run_id)},
                flavor=job.flavor,
                timeout=run.timeout,
                labels=labels,
                namespace=self.namespace,
            )

    def log_tail(self, job_id: str, lines: int) -> tuple[str, ...]:
        """As `read_log`; none when the Hub does not give them."""
        with contextlib.suppress(ScriptError):
            return self.read_log(job_id, lines)
        return ()

    def read_log(self, job_id: str, lines: int) -> tuple[str, ...]:
        """The last lines of a job's log, without tokens."""
        with job_errors(f"reading the log of {job_id}", self.token):
            found = self.patiently(
                lambda: list(self.api.fetch_job_logs(job_id=job_id, namespace=self.namespace, tail=lines))
            )
        return tuple(self.clean(line)[:500] for line in found[-lines:])

    def open_private(self, repo_id: str, kind: str, option: str) -> None:
        """Make a private repository before money is spent on what could not be kept; a public one is refused (3)."""
        with job_errors(f"{option} {repo_id}", self.token):
            self.patiently(make_private_repo, self.api, repo_id, kind, option)

    def refuse_public(self, repo_id: str, kind: str, option: str) -> None:
        """ScriptError(code=3) for a repository that is there and public; nothing is made."""
        with job_errors(f"{option} {repo_id}", self.token):
            self.patiently(refuse_public, self.api, repo_id, kind, option)


def with_sound_id(info: Any) -> Any:
    """A job of the Hub's answer; ScriptError when its id would be more than a name in the next address."""
    if not (isinstance(info.id, str) and JOB_ID.fullmatch(info.id)):
        raise ScriptError(f"the Hub answered with a job whose id is none: {single_line(info.id)[:60]!r}")
    return info


def hashes_of_words(words: Sequence[str], files: Mapping[str, str]) -> list[str]:
    """Which of a job's words are files, and their SHA-256, as CHECKED_RUN takes them."""
    return [f"{number}:{files[word]}" for number, word in enumerate(words) if word in files]


def worth_sending_again(error: BaseException) -> bool:
    """Whether a submission that failed may succeed: as any request, and an upload that was not refused."""
    answer = behind(error)
    if answer is error and isinstance(error, RuntimeError | OSError) and refused_upload(error):
        return False
    return worth_repeating(answer) or (answer is error and isinstance(error, RuntimeError))


def not_ours(client: JobsClient, info: Any, run: EvalRun, job: EvalJob) -> str | None:
    """Why a job on the Hub was not sent for this job of this run; None where it was.

    Anybody in an organization can give a job any labels. A job that the Hub says this account started is ours, whatever
    version of this script made its words; one that another started is ours only if run.json names it, and where the Hub
    names nobody, its words must be those that are sent.
    """
    labels, state, by = info.labels or {}, run.states[job.name], info.initiator
    if (labels.get(RUN_LABEL), labels.get(JOB_LABEL)) != (label_value(run.run_id), label_value(job.name)):
        return "was sent for something else"
    if by is None or (by.type == "user" and by.name is None):
        return None if sends(info, run, job) else "runs something else"
    if by.type == "user" and by.name in (run.owner, client.user):
        return None
    if info.id in (state.job_id, *state.tries):
        return None if sends(info, run, job) else "runs something else"
    who = by.name if by.type == "user" else f"a {by.type}"
    return f"was started by {single_line(who)[:60]}"


def sends(info: Any, run: EvalRun, job: EvalJob) -> bool:
    """Whether a job on the Hub runs what is sent for this one, as far as the Hub says; with what hardware is free."""
    words = [str(word) for part in (info.command, info.arguments) if isinstance(part, list) for word in part]
    if info.command is None and info.arguments is None:
        return True
    at = next((number for number, word in enumerate(words) if word.endswith(".py")), len(words))
    files = {f"/data/{Path(name).name.replace(' ', '_')}" for name in run.files}
    wanted = ["/data/" if word in run.files else word for word in without_fitting(job.arguments)]
    found = ["/data/" if copy_name(word) in files else word for word in without_fitting(words[at + 1 :])]
    return is_start(words[:at]) and words[at : at + 1] == [f"/data/{run.script}"] and found == wanted


def is_start(words: Sequence[str]) -> bool:
    """Whether these words stand before the script of a job that this program has sent, with the check or before it."""
    if len(words) == 2:
        return words == ["uv", "run"]
    hashes = words[2 + len(CHECKED_WORDS) : -1]
    return words[:-1] == ["uv", "run", *CHECKED_WORDS, *hashes] and all(map(WORDS_HASH.fullmatch, hashes))


def copy_name(word: str) -> str:
    """The name of a file that travels, of which the client numbers the second of one name: "/data/a(0).py"."""
    return re.sub(r"\(\d{1,3}\)(?=\.[^./]*\Z|\Z)", "", word)


def without_fitting(words: Sequence[str]) -> list[str]:
    """The words of a job without those that follow from its hardware, which may be another the next time."""
    kept = without_flags(words, ("--tensor-parallel-size", "--gpu-memory-utilization"))
    at = next((number for number in range(len(kept)) if kept[number : number + 2] == ["--dtype", "float16"]), None)
    return kept if at is None else kept[:at] + kept[at + 2 :]


def without_flags(words: Sequence[str], flags: Sequence[str]) -> list[str]:
    """Arguments without some flags that take one value each."""
    left_out = {i + step for i, word in enumerate(words) if word in flags for step in (0, 1)}
    return [word for i, word in enumerate(words) if i not in left_out]


def timeout_of(info: Any) -> int | None:
    """The timeout with which a job was sent, in seconds, by its label."""
    label = (info.labels or {}).get(TIMEOUT_LABEL, "")
    return int(label) if re.fullmatch(r"[1-9][0-9]{0,8}", label) else None


def attempt_of(info: Any) -> int:
    """Which try a job on the Hub is, by its label."""
    return count_in((info.labels or {}).get(ATTEMPT_LABEL)) or 1


def is_price(value: Any) -> bool:
    """Whether a value is dollars: what has no price, or none that can be, is not hired."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf


def flavor_from_hub(row: Any) -> Flavor:
    """A flavor as `list_jobs_hardware` describes it: sizes such as "24 GB", GPU memory of all GPUs together."""

    def number(text: str | None) -> float:
        match = re.search(r"\d+(?:\.\d+)?", str(text or ""))
        return float(match[0]) * (1000 if "TB" in str(text) else 1) if match else 0.0

    # Only what CUDA runs on counts as a GPU here: vLLM's packages are built for it.
    gpu = row.accelerator if row.accelerator and row.accelerator.manufacturer.lower() == "nvidia" else None
    count = int(number(gpu.quantity)) if gpu else 0
    memory = number(gpu.vram) / count if gpu and count else 0.0
    price = row.unit_cost_usd * UNITS_OF_AN_HOUR[row.unit_label]
    disk = number(row.ephemeral_storage) or None
    model = gpu.model if gpu else ""
    return Flavor(row.name, model, count, memory, number(row.ram), price, disk)


def packages_hash(packages: Sequence[str]) -> str:
    """What tells one set of packages from another, short enough for a record."""
    return hashlib.sha256("\n".join(packages).encode()).hexdigest()[:16]


def script_path(name: str) -> Path:
    """One of the evaluation scripts beside this one."""
    path = Path(__file__).resolve().parent / name
    if not path.is_file():
        raise ScriptError(f"{path.name} is not beside this script: a job is sent from a copy of the whole project")
    return path
