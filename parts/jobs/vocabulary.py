"""Jobs, hardware, prices, runs and models that are sent to Hugging Face Jobs."""

from __future__ import annotations

import hashlib
import json
import math
import re
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from parts.frame import ScriptError
from parts.names import HUB_PLACE

RUN_SCHEMA = "2"  # of run.json and of what --json prints
PLANNED = "PLANNED"
FINISHED = ("COMPLETED", "ERROR", "CANCELED", "DELETED")
NOT_KNOWN = -1  # seconds of a timeout, dollars of a job
GONE = "the Hub does not know this job any more"
RUN_LABEL, JOB_LABEL, ATTEMPT_LABEL, TIMEOUT_LABEL = "eval-run", "eval-job", "eval-attempt", "eval-timeout"
JOB_ENVIRONMENT = {"PYTHONUNBUFFERED": "1"}  # so that the log shows lines as they are printed
# What a job runs first: its files lie in a bucket until it starts, and others of an organization may write there. Each
# is read once, compared with the hash in the command (which the Hub keeps, and the bucket does not), and run from a
# fresh folder, where nobody has laid a uv.toml beside it.
CHECKED_RUN = """\
import hashlib, os, sys, tempfile
at, folder = sys.argv.index("--"), os.path.join(tempfile.mkdtemp(), "data")
hashes, words = sys.argv[LINES:at], sys.argv[at + 1 :]
os.mkdir(folder)
for number, digest in (text.split(":") for text in hashes):
    name = words[int(number)]
    with open(name, "rb") as file:
        data = file.read()
    if hashlib.sha256(data).hexdigest() != digest:
        sys.exit("error: " + name + " is not the file that was sent: somebody else has changed it; nothing was run")
    words[int(number)] = os.path.join(folder, os.path.basename(name))
    with open(words[int(number)], "wb") as file:
        file.write(data)
os.execvp("uv", ["uv", "run"] + words)
"""
CHECK_LINES = CHECKED_RUN.replace("LINES", str(CHECKED_RUN.count("\n") + 1)).splitlines()
# Behind `uv run`, before the hashes, "--" and the words. Line by line: the client asks of each word if it is a file.
CHECKED_WORDS = (
    *("--no-project", "python", "-I", "-c"),
    f"import sys; exec('\\n'.join(sys.argv[1:{len(CHECK_LINES) + 1}]))",
    *CHECK_LINES,
)
WORDS_HASH = re.compile(r"\d{1,6}:[0-9a-f]{64}")  # the number of a word, and the SHA-256 of its file
DEFAULT_TIMEOUT = "3h"
PROVIDER_SCRIPT = "inspect_eval_uv.py"  # asks the Inference Providers, which are paid by tokens
SHOWN_LINES = 30  # of a failed job
# Names that stand in an address of the Hub: none that a client would resolve to another place.
ACCOUNT = re.compile(r"(?!\.+\Z)[\w.-]+")
DATA_SET = re.compile(r"(?!\.+/)[\w.-]+/(?!\.+\Z)[\w.-]+")
JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,4}(?=[smhd]))?)([smhd]?)", re.ASCII)  # as the client reads it

# What ends the names of a run's checkpoints: "-step_100", "_checkpoint-500", "-epoch3".
CHECKPOINT_SUFFIX = re.compile(
    r"[-_.](?:global[-_]?step|steps?|iter(?:ation)?|checkpoint|ckpt|epoch)[-_=]?\d{1,15}(?:[-_]hf)?$", re.IGNORECASE
)

AUTO = "auto"
ROOM = 0.9  # the share of a GPU that vLLM takes (gpu_memory_utilization)
GUESSED_CACHE = 0.1  # of the weights, for the longest request of a model whose configuration is not known

# Flavors of Jobs, for planning without the Hub: name, GPU, GPUs, GB of one GPU, GB of RAM, dollars per hour. RAM is 0
# where it is not known.
FLAVORS_DATE = "August 2026"

# By parameters alone, when only a model's name says something: below 3, 13, 34 billion, and the rest. A floor: where
# the weights do not fit, the estimate decides.
FLAVOR_BY_SIZE = ((3e9, "t4-small"), (13e9, "a10g-small"), (34e9, "a10g-large"), (math.inf, "a100-large"))


@dataclass(frozen=True)
class Flavor:
    """A kind of machine that Jobs lends: GPU memory of one GPU and RAM in GB (10^9 bytes), dollars per hour."""

    name: str
    gpu: str
    gpus: int
    gpu_memory: float
    ram: float
    price: float
    disk: float | None = None

    def __str__(self) -> str:
        what = f"{self.gpus} x {self.gpu} {self.gpu_memory:g} GB" if self.gpus else f"CPU, {self.ram:g} GB RAM"
        return f"{self.name} ({what}, ${self.price:.2f}/h)"


@dataclass(frozen=True)
class Catalog:
    """The flavors there are, and where the list is from; `known`: the Hub has just said it."""

    flavors: tuple[Flavor, ...]
    source: str
    known: bool = True

    def find(self, name: str) -> Flavor:
        for flavor in self.flavors:
            if flavor.name == name:
                return flavor
        raise ScriptError(f"--hardware {name}: no such flavor; there are {', '.join(f.name for f in self.flavors)}")


@dataclass(frozen=True)
class EvalJob:
    """One job of a run: what it evaluates, on what, and what that may take; `folder` is its place in the data set.

    `price` is the hardware's, in dollars per hour; `tokens_usd` what a provider may ask for the tokens, and
    `tokens_at_most` if every answer is as long as it may be: None where nothing bounds it, or no price is known.
    """

    name: str
    models: tuple[str, ...]
    tasks: tuple[str, ...]
    arguments: tuple[str, ...]
    folder: str
    flavor: str
    price: float
    hours: float
    tokens_usd: float = 0.0
    tokens_at_most: float | None = 0.0

    @property
    def dollars(self) -> float:
        return self.price * self.hours + self.tokens_usd


@dataclass(frozen=True)
class JobState:
    """What became of a job: `stage` is PLANNED before it is sent, then what the Hub says; `seconds` it ran.

    `tries`: what each job on the Hub that was sent for it has cost so far, in dollars (NOT_KNOWN: on hardware whose
    price nobody says); `timeout` (NOT_KNOWN: of a job that another hand has sent), `flavor`, `price`: of the last;
    `measured`: its records are home, all of them, however it ended.
    """

    stage: str = PLANNED
    job_id: str | None = None
    url: str | None = None
    attempt: int = 0
    seconds: float = 0.0
    tries: dict[str, float] = field(default_factory=dict)
    message: str | None = None
    cause: str | None = None
    log: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    measured: bool = False
    flavor: str | None = None
    price: float | None = None
    timeout: int | None = None

    @property
    def spent(self) -> float:
        """Dollars, of all tries whose price is known."""
        return sum(usd for usd in self.tries.values() if usd != NOT_KNOWN)

    @property
    def unpriced(self) -> bool:
        """Whether a try of it ran, or runs, on hardware whose price nobody says."""
        return NOT_KNOWN in self.tries.values()

    @property
    def active(self) -> bool:
        return self.job_id is not None and self.stage not in FINISHED

    @property
    def succeeded(self) -> bool:
        return self.measured or (self.stage == "COMPLETED" and not self.missing)

    @property
    def failed(self) -> bool:
        return self.stage in FINISHED and not self.succeeded

    @property
    def canceled(self) -> bool:
        """Whether somebody wanted it to end: it is not sent again unless that is asked for."""
        return self.stage == "CANCELED" and not self.succeeded

    def at_most(self, job: EvalJob, timeout: int) -> float | None:
        """Dollars that its tries can have cost when the last one has ended; None where nothing bounds that."""
        if not self.tries and not self.active:
            return 0.0
        if self.unpriced or (self.active and self.timeout == NOT_KNOWN):
            return None
        now = (
            (job.price if self.price is None else self.price) * (self.timeout or timeout) / 3600 if self.active else 0.0
        )
        hardware = sum(usd for name, usd in self.tries.items() if name != self.job_id)
        hardware += max(self.tries.get(self.job_id or "", 0.0), now)
        return None if job.tokens_at_most is None else hardware + job.tokens_at_most * max(1, len(self.tries))


@dataclass
class EvalRun:
    """A run on Jobs: the plan, which stays, and the state of every job, which moves. This is what run.json holds.

    `packages`: in exact versions; `files`: the user's own files that travel with the jobs or are uploaded for them, and
    their SHA-256; `agreed`: the jobs that were shown and agreed to, while they are sent (not kept).
    """

    run_id: str
    script: str
    namespace: str
    results_repo: str
    timeout: str
    image: str | None
    packages: tuple[str, ...]
    jobs: tuple[EvalJob, ...]
    states: dict[str, JobState]
    notes: tuple[str, ...] = ()
    owner: str = ""  # the account whose token planned it
    max_cost: float | None = None
    files: dict[str, str] = field(default_factory=dict)
    script_sha256: str = ""  # of the script as it was sent, beside run.json
    uploads: dict[str, str] = field(default_factory=dict)  # places on the Hub, and the folders here that go there
    prices_known: bool = True  # whether the Hub has said them
    canceled_too: bool = False  # whether canceled jobs are sent again as well
    agreed: tuple[str, ...] | None = None
    refused: tuple[str, ...] = ()  # models that were asked for, too, and cannot run, with the reason (not kept)
    token_prices: dict[str, float] = field(default_factory=dict)  # of a provider, as planned: dollars for a million
    seals_results: bool = False  # whether its jobs seal their records, with a key that nobody else has

    def rows(self) -> list[tuple[EvalJob, JobState]]:
        return [(job, self.states[job.name]) for job in self.jobs]

    @property
    def travelling(self) -> dict[str, str]:
        """Those of the files that go with a job: the client sends each argument that is a file's name."""
        words = {word for job in self.jobs for word in job.arguments}
        return {name: digest for name, digest in self.files.items() if name in words}

    @property
    def waiting(self) -> list[EvalJob]:
        """Jobs that were never sent, or have to be sent again; canceled ones only when that is asked for, and of what
        was agreed to nothing else."""
        canceled = self.canceled_too
        return [
            job
            for job, state in self.rows()
            if (state.stage == PLANNED or (state.failed and (canceled or not state.canceled)))
            and (self.agreed is None or job.name in self.agreed)
        ]

    @property
    def spent(self) -> float:
        """Dollars that the jobs' hardware has cost so far."""
        return sum(state.spent for state in self.states.values())

    @property
    def ceiling(self) -> float | None:
        """Dollars when every job that waits runs into its timeout; None where tokens have no known ceiling."""
        each = [
            None
            if job.tokens_at_most is None
            else job.price * duration_seconds(self.timeout) / 3600 + job.tokens_at_most
            for job in self.waiting
        ]
        return None if None in each else sum(each)

    @property
    def committed(self) -> float | None:
        """Dollars that were spent, and that the jobs which run can cost at most."""
        each = [state.at_most(job, duration_seconds(self.timeout)) for job, state in self.rows()]
        return None if None in each else sum(each)

    @property
    def at_most(self) -> float | None:
        """Dollars that the run can cost in the end: spent, running, and to be sent."""
        return None if self.ceiling is None or self.committed is None else self.ceiling + self.committed

    @property
    def dollars(self) -> float:
        """Dollars that the jobs which wait are estimated to cost."""
        return sum(job.dollars for job in self.waiting)


@dataclass(frozen=True)
class Collected:
    """What `collect` found of one job: paths of records, tasks without one, what was wrong.

    `replaced`: records that are not sound, beside one of the same task that is.
    """

    records: tuple[str, ...]
    missing: tuple[str, ...]
    problems: tuple[str, ...]
    replaced: tuple[str, ...] = ()


@dataclass(frozen=True)
class ModelFacts:
    """What is known about a model: sizes in bytes, the cache of one token, the tokens of its longest request.

    parameters: those that the weights stand for, packed or not; active: those that one token goes through; refusal: why
    it cannot be run at all; files: of a folder that is uploaded, and their SHA-256.
    """

    model: str
    parameters: float | None
    weights: float | None
    types: tuple[str, ...] = ()
    cache_per_token: float | None = None
    longest: int | None = None
    heads: int | None = None
    cache_heads: int | None = None
    source: str = ""
    active: float | None = None
    refusal: str | None = None
    is_adapter: bool = False
    files: dict[str, str] = field(default_factory=dict)

    @property
    def cache(self) -> float:
        """Bytes of the KV cache for the longest request; a guess when the configuration is not known."""
        if self.cache_per_token is None or self.longest is None:
            return GUESSED_CACHE * (self.weights or 0)
        return self.cache_per_token * self.longest


@dataclass(frozen=True)
class Placement:
    """The hardware of a job, how many GPUs share one model, and why."""

    flavor: Flavor
    tensor_parallel_size: int
    why: str


@dataclass(frozen=True)
class Wish:
    """What the user asked of the hardware; `share` of a GPU is what vLLM may take."""

    backend: str
    hardware: str = AUTO
    tensor_parallel_size: int | None = None
    dtype: str | None = None
    share: float = ROOM
    force: bool = False


FLAVORS = (
    Flavor("cpu-basic", "", 0, 0, 16, 0.01),
    Flavor("cpu-upgrade", "", 0, 0, 32, 0.03),
    Flavor("t4-small", "T4", 1, 16, 0, 0.40),
    Flavor("t4-medium", "T4", 1, 16, 0, 0.60),
    Flavor("l4x1", "L4", 1, 24, 0, 0.80),
    Flavor("l4x4", "L4", 4, 24, 0, 3.80),
    Flavor("l40sx1", "L40S", 1, 48, 0, 1.80),
    Flavor("l40sx4", "L40S", 4, 48, 0, 8.30),
    Flavor("l40sx8", "L40S", 8, 48, 0, 23.50),
    Flavor("a10g-small", "A10G", 1, 24, 0, 1.00),
    Flavor("a10g-large", "A10G", 1, 24, 0, 1.50),
    Flavor("a10g-largex2", "A10G", 2, 24, 0, 3.00),
    Flavor("a10g-largex4", "A10G", 4, 24, 0, 5.00),
    Flavor("a100-large", "A100", 1, 80, 0, 2.50),
    Flavor("a100x4", "A100", 4, 80, 0, 10.00),
    Flavor("a100x8", "A100", 8, 80, 0, 20.00),
    Flavor("h200", "H200", 1, 141, 0, 5.00),
    Flavor("h200x2", "H200", 2, 141, 0, 10.00),
    Flavor("h200x4", "H200", 4, 141, 0, 20.00),
    Flavor("h200x8", "H200", 8, 141, 0, 40.00),
    Flavor("rtx-pro-6000", "RTX PRO 6000", 1, 96, 0, 2.75),
    Flavor("rtx-pro-6000x2", "RTX PRO 6000", 2, 96, 0, 5.50),
    Flavor("rtx-pro-6000x4", "RTX PRO 6000", 4, 96, 0, 11.00),
    Flavor("rtx-pro-6000x8", "RTX PRO 6000", 8, 96, 0, 22.00),
)


BUILT_IN = Catalog(FLAVORS, f"the built-in list of {FLAVORS_DATE}: check the prices before you send anything", False)


def label_value(text: str) -> str:
    """A text as the Hub allows it in a label: at most 100 letters, digits, dashes and underscores."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-")[:100] or "unnamed"


def duration_seconds(duration: str) -> int:
    """A timeout in seconds: "90" -> 90    "5m" -> 300    "3h" -> 10800    "1.5d" -> 129600"""
    match = DURATION.fullmatch(duration)
    seconds = float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}[match[2]] if match else 0
    if not 1 <= seconds < 1e9:
        raise ScriptError(f"--timeout {duration}: write a number and s, m, h or d, for instance 90m or 3h")
    return int(seconds)


def split_place(model: str) -> tuple[str, str, str | None]:
    """Repository, folder in it, and revision.

    "me/lm@step100" -> ("me/lm", "", "step100");  "me/lm/checkpoint-500" -> ("me/lm", "checkpoint-500", None)
    """
    place = HUB_PLACE.fullmatch(model)
    return (place["repo"], place["below"].strip("/"), place["revision"]) if place else (model, "", None)


def family(model: str) -> str:
    """What the checkpoints of one model have in common.

    "me/lm@step100", "me/lm/checkpoint-500" -> "me/lm"    "me/lm-step_100" -> "me/lm"    "me/lm-7b" -> "me/lm-7b"
    """
    name = split_place(model)[0]
    return CHECKPOINT_SUFFIX.sub("", name) or name


def matrix(models: Sequence[str], tasks: Sequence[str], split: str) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """The jobs' (models, tasks): checkpoints of one model together, or apart by `model`, `task` or `both`."""
    groups: dict[str, list[str]] = {}
    for model in models:
        groups.setdefault(model if split in ("model", "both") else family(model), []).append(model)
    shares = [(task,) for task in tasks] if split in ("task", "both") else [tuple(tasks)]
    return [(tuple(group), share) for group in groups.values() for share in shares]


def job_name(models: Sequence[str], tasks: Sequence[str], settings: Sequence[str]) -> str:
    """A name that says what a job does and is another one for every other job; letters, digits, dashes, underscores."""
    one = models[0] if len(models) == 1 else f"{family(models[0])}-{len(models)}-models"
    what = plain_task(tasks[0]) if len(tasks) == 1 else f"{len(tasks)}-tasks"
    digest = hashlib.sha256(json.dumps([models, tasks, settings]).encode()).hexdigest()[:8]
    return f"{label_value(one.split('/')[-1])[:50]}-{label_value(what)[:30]}-{digest}"


def plain_task(task: str) -> str:
    """A task without suite and shots: "leaderboard|gsm8k|5" -> gsm8k    "inspect_evals/gsm8k" -> gsm8k"""
    parts = [part.strip() for part in task.split("|")]
    while len(parts) > 1 and parts[-1].isdecimal():
        parts.pop()
    return parts[-1].rsplit("/", 1)[-1]


def task_shots(task: str) -> int | None:
    """The number of examples that a task string asks for: "gsm8k|5" -> 5    "leaderboard|gsm8k|5|0" -> 5"""
    numbers = [part for part in task.split("|")[1:] if part.strip().isdecimal()]
    return int(numbers[0]) if numbers else None


def task_key(task: str) -> str:
    """A task's name for comparing: "inspect_evals/GSM8K" -> gsm8k    "arc:easy|0" -> arc_easy"""
    return re.sub(r"[^a-z0-9]+", "_", plain_task(task).lower()).strip("_")


def money(amount: float) -> str:
    """ "$0.05", or "under $0.01" for what is not nothing."""
    return "under $0.01" if 0 < amount < 0.005 else f"${amount:,.2f}"


def duration_text(seconds: float) -> str:
    """ "42 s", "12 min", "3.5 h" """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def names_text(names: Sequence[str]) -> str:
    """A few names, or the first and how many more."""
    return ", ".join(names) if len(names) <= 2 else f"{names[0]} and {len(names) - 1} more"


def flavor_by_size(parameters: float) -> str:
    """The flavor for a size of which only the name tells."""
    return next(flavor for below, flavor in FLAVOR_BY_SIZE if parameters < below)


def new_run_id() -> str:
    """A name for a run that no other has: the time and a few random characters."""
    return f"eval-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(2)}"
