"""Foreign result files: runs, items and scores as read, troubles, limits, the files of a folder."""

from __future__ import annotations

import array
import glob
import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from parts.frame import single_line, slug
from parts.harness.doubts import UNPARSED
from parts.names import local_id, parse_checkpoint_name
from parts.private import without_paths
from parts.records.files import MODEL_JSON, entered, open_result, refuse_out, search_in, searched_part
from parts.records.schema import strings

# Formats by the name that --format takes, with the library that writes them.
LIBRARIES = {"lighteval": "lighteval", "lm-eval": "lm-eval", "inspect": "inspect_ai", "helm": "helm"}
LIBRARIES |= {"lmms-eval": "lmms-eval", "evalchemy": "evalchemy", "evalscope": "evalscope", "mteb": "mteb"}
LIBRARIES |= {"olmes": "olmes", "nemo": "nemo-evaluator", "opencompass": "opencompass", "evalplus": "evalplus"}
LIBRARIES |= {"swe-bench": "swebench", "simple-evals": "simple-evals", "trainer": "transformers.Trainer"}
LIBRARIES |= {"every-eval-ever": "every_eval_ever"}
# Bounds on what a hostile or damaged file can make this script read at once, in bytes.
MAX_JSON = 1 << 30  # one JSON document

# Folders of people: a model right in one is not a checkpoint of a "run" of that name.
HOME_FOLDERS = {"home", "users", "root"}

# A path of a machine in a text: at least two parts from the root; its last part says enough.
STAMP = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d)[-:](\d\d)[-:](\d\d)(?:\.\d+)?")  # in the names of result files


class RepeatedIds(Exception):
    """The data set's own ids do not tell its items apart: rows must be named by their number."""


@dataclass(frozen=True)
class Origin:
    """A file with scores."""

    path: Path
    sha256: str
    format: str


@dataclass(frozen=True)
class Moment:
    """When an evaluation ran: ISO 8601 as far as the source tells the time zone, and seconds for comparisons."""

    text: str | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class EvaluatedModel:
    """The model that a file is about; only a folder that is here has a path and weights that can be hashed."""

    id: str
    revision: str | None = None
    path: str | None = None
    weights_sha256: str | None = None
    engine: str | None = None
    engine_version: str | None = None
    deployment: str = "unknown"
    platform: str | None = None
    local: bool = False
    folder: Path | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def developer(self) -> str:
        return self.id.split("/", 1)[0] if "/" in self.id else "unknown"

    @property
    def place(self) -> str:
        """`<developer>/<model>` as path-safe names."""
        return f"{short_slug(self.developer)}/{short_slug(self.id.split('/', 1)[-1])}"


@dataclass(frozen=True)
class ScoreRead:
    """One metric of one task as a file has it; `aggregation` is None when the file does not tell."""

    name: str
    id: str
    value: float
    aggregation: str | None
    lower_is_better: bool = False
    standard_error: float | None = None
    method: str | None = None
    draws: int | None = None
    count: int | None = None
    filter: str | None = None  # what lm-eval took out of the answers before it scored them
    details: Mapping[str, Any] = field(default_factory=dict)
    unit: tuple[str, float | None, float | None] | None = None  # unit and range, where the harness defines them
    rounding: float = 0.0  # how far a file's number may be from the one that was measured
    scorer: Mapping[str, Any] = field(default_factory=dict)  # who scored: scorer, grader_model, grader_settings, ...
    direction_known: bool = False  # whether the file, its writer or the metric's name says which way is better
    formula: str = ""  # by which its items' statistics make it
    rule: str = ""  # by which its harness makes it of its items, where `aggregation` does not say all of it
    doubt: str = ""  # why it is no score of all items where these make another


@dataclass(slots=True)
class AskedItem:
    """One item of a task with the model's answer; `values` has a number per metric, or None and `error`."""

    id: str
    raw: str
    references: list[str]
    answers: list[str]
    values: dict[str, float | None]
    choices: list[str] | None = None
    scored: list[str] | None = None  # what is scored of the answers, when it is less
    prompt: str | None = None
    shown: dict[str, list[str]] = field(default_factory=dict)  # the answer, where it depends on the metric
    chances: list[float] | None = None  # the log-likelihoods of the choices, where these alone decide
    found: tuple[str, str] | None = None  # what was read from the answer, and how
    reasoning: list[str] | None = None
    error: str | None = None
    generative: bool = False
    truncated: bool | None = None  # None: not known
    unparsed: bool | None = None
    attempt: int | None = None  # which time the item was asked
    messages: list[dict[str, Any]] | None = None
    usage: dict[str, int] | None = None
    tries: dict[str, list[float | None]] | None = None  # by metric, a value for each attempt; None: a single attempt
    planned: int = 1  # attempts that the run was to make
    errored: int = 0  # attempts that ended with an error, whether scored or not
    lost_to_errors: int = 0  # those of them that have no score
    limit_hit: int = 0  # attempts that a limit (messages, tokens, time, cost) ended
    metadata: Mapping[str, str] = field(default_factory=dict)  # what the data set says of the item
    ratios: Mapping[str, tuple[float, float]] = field(default_factory=dict)  # of corpus metrics: what is added up
    statistics: Mapping[str, list[Any]] = field(default_factory=dict)  # the same of BLEU, F1 and others

    def attempt_values(self, score: str) -> list[float | None]:
        """A metric's value in each attempt."""
        if self.tries is not None and score in self.tries:
            return self.tries[score]
        return [self.values.get(score) if self.error is None else None]


@dataclass(slots=True)
class PlainItems:
    """Some items as columns: each was asked once, in one prompt, and has a value of every metric.

    `values` and `shown` are by metric; `chances` is None where they do not decide alone. Items of multiple choice have
    `choices`; others have `answers`, and what was `read` of each, by a `method` where that is not the answer itself.
    """

    ids: list[str]
    raws: list[str]
    references: list[list[str]]
    choices: list[list[str]] | None
    prompts: list[str]
    values: dict[str, list[float]]
    shown: dict[str, list[list[str]]]
    chances: list[list[float]] | None
    metadata: list[dict[str, str]]
    answers: list[list[str]] | None = None
    read: list[str] | None = None
    method: str = ""

    def counts(self, score: str, lowest: float | None) -> Counts:
        """What became of the items' attempts: as `Counts.add` of each."""
        values, generative = self.values[score], self.answers is not None
        return Counts(
            generative=generative,
            attempts=len(values),
            scored=len(values),
            wrong=None if lowest is None else sum([value <= lowest for value in values]),
            empty=sum([not texts[0].strip() for texts in self.answers or ()]),
            truncated=None if generative else 0,
            unparsed=(self.read or []).count(UNPARSED),
        )

    def item(self, at: int) -> AskedItem:
        """One of them."""
        return AskedItem(
            id=self.ids[at],
            raw=self.raws[at],
            references=self.references[at],
            answers=self.answers[at] if self.answers else [],
            values={name: column[at] for name, column in self.values.items()},
            choices=self.choices[at] if self.choices else None,
            prompt=self.prompts[at],
            shown={name: column[at] for name, column in self.shown.items()},
            chances=self.chances[at] if self.chances else None,
            found=(self.read[at], self.method) if self.read and self.method else None,
            generative=self.answers is not None,
            unparsed=bool(self.read) and self.read[at] == UNPARSED,
            metadata=self.metadata[at],
        )


@dataclass(frozen=True, kw_only=True)
class TaskRun:
    """One model on one task, as one file tells it."""

    origin: Origin
    task: str
    title: str
    model: EvaluatedModel
    scores: tuple[ScoreRead, ...]
    shots: int | None = None
    version: str = "unknown"
    library: Mapping[str, Any] = field(default_factory=dict)
    source: Mapping[str, Any] = field(default_factory=dict)
    generation_args: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    moment: Moment = Moment()
    run_ids: Mapping[str, Any] = field(default_factory=dict)  # run_id, task_id, created: equal ids are one run
    identity: str | None = None  # what makes it the same run when it comes from another file; None: the file's content
    counts: Mapping[str, Any] = field(default_factory=dict)
    samples: Callable[..., Iterator[AskedItem | PlainItems]] | None = None  # called with: whether own ids name items
    sample_file: Path | None = None
    beside: tuple[Path, ...] = ()  # further files that the scores or the items are read of
    in_spans: bool = False  # whether `samples` takes the begin and end of a piece of that file, too
    promised: bool = False  # whether the log says that samples were written
    lost: str = ""  # why items that are here in part are not read
    failure: str | None = None

    @property
    def place(self) -> str:
        return f"{short_slug(self.title)}/{self.model.place}"

    def result_id(self, score: ScoreRead) -> str:
        """The stable id of a result: `<task>|<shots>/<metric>`, without shots where they are not known."""
        return f"{self.title}{'' if self.shots is None else f'|{self.shots}'}/{score.name}"


@dataclass(frozen=True)
class MigratedRecord:
    """A record of an older version, in this one; `lines` are those of its samples file."""

    origin: Origin
    title: str
    model: EvaluatedModel
    record: dict[str, Any]
    lines: Callable[[], Iterator[dict[str, Any]]] | None = None
    sample_file: Path | None = None
    beside: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Trouble:
    """Something that is not converted, and why; `failed` when it should have been."""

    file: str
    reason: str
    task: str | None = None
    path: str | None = None
    failed: bool = False


@dataclass(frozen=True)
class Conversion:
    """A record on disk (or, in a dry run, in mind)."""

    path: Path
    record: dict[str, Any]
    run: TaskRun
    rows: int


@dataclass
class Report:
    """All that a run found out."""

    written: list[Conversion] = field(default_factory=list)
    unchanged: list[Conversion] = field(default_factory=list)
    skipped: list[Trouble] = field(default_factory=list)
    failures: list[Trouble] = field(default_factory=list)
    conflicts: list[Trouble] = field(default_factory=list)
    notes: list[Trouble] = field(default_factory=list)  # what is odd, and no reason to leave anything out
    others: int = 0
    already: int = 0  # of them those that are named as records

    @property
    def records(self) -> list[Conversion]:
        return [*self.written, *self.unchanged]


@dataclass
class Tally:
    """What is known of one metric's items after all are read."""

    values: array.array = field(default_factory=lambda: array.array("d"))
    by_item: dict[str, list[float]] = field(default_factory=dict)  # only of items that were asked several times
    ratio: tuple[float, float] = (0.0, 0.0)  # sums of what a corpus metric divides
    errors: int = 0
    statistics: list[list[Any]] = field(default_factory=list)

    def add(self, item: AskedItem, score: str, value: float | None) -> None:
        if value is None:
            self.errors += 1
            return
        self.values.append(value)
        if score in item.ratios:
            own = item.ratios[score]
            self.ratio = self.ratio[0] + own[0], self.ratio[1] + own[1]
        if score in item.statistics:
            self.statistics.append(item.statistics[score])
        if item.attempt is not None:
            self.by_item.setdefault(item.id, []).append(value)

    def take(self, later: Tally) -> None:
        """Add what is known of more items."""
        self.values.extend(later.values)
        for item, values in later.by_item.items():
            self.by_item.setdefault(item, []).extend(values)
        self.ratio = self.ratio[0] + later.ratio[0], self.ratio[1] + later.ratio[1]
        self.statistics += later.statistics
        self.errors += later.errors

    @property
    def lines(self) -> int:
        """How many answers there are, with and without a value."""
        return len(self.values) + self.errors

    @property
    def items(self) -> list[float]:
        """A value per item: the mean of the times that it was asked."""
        return [sum(own) / len(own) for own in self.by_item.values()] if self.by_item else list(self.values)


@dataclass
class Counts:
    """What became of the attempts of a metric: all counts are of attempts, not of items; None once one is not known.

    `attempts` were to be made; `scored` of them have a value and `wrong` of those have none of the credit; `errored`
    ended with an error and `limit_hit` at a limit, scored or not; what is neither scored nor lost to an error has
    `no_value`. What is missing from a score is attempts - scored.
    """

    generative: bool = False
    attempts: int = 0
    scored: int = 0
    wrong: int | None = 0
    no_value: int = 0
    errored: int = 0
    limit_hit: int = 0
    empty: int = 0
    truncated: int | None = 0
    unparsed: int | None = 0

    def add(self, item: AskedItem, score: str, lowest: float | None) -> None:
        values = item.attempt_values(score)
        attempts, count = max(item.planned, len(values)), len(values) - values.count(None)
        self.attempts += attempts
        self.scored += count
        wrong = 0 if lowest is None else [value is not None and value <= lowest for value in values].count(True)
        self.wrong = None if lowest is None else (self.wrong or 0) + wrong
        if count < attempts or item.errored or item.lost_to_errors:
            lost_to_errors = item.lost_to_errors or (attempts - count if item.error is not None else 0)
            self.errored += max(item.errored, lost_to_errors)
            self.no_value += max(attempts - count - lost_to_errors, 0)
        self.limit_hit += item.limit_hit
        self.unparsed = None if self.unparsed is None or item.unparsed is None else self.unparsed + item.unparsed
        if item.generative and item.error is None:
            self.generative = True
            self.empty += blank_attempts(item, len(values))
        if item.generative:
            known = self.truncated is not None and item.truncated is not None
            self.truncated = self.truncated + item.truncated if known else None

    def take(self, later: Counts) -> None:
        """Add the counts of more items."""
        self.generative = self.generative or later.generative
        for name in (
            "attempts",
            "scored",
            "wrong",
            "no_value",
            "errored",
            "limit_hit",
            "empty",
            "truncated",
            "unparsed",
        ):
            one, two = getattr(self, name), getattr(later, name)
            setattr(self, name, None if one is None or two is None else one + two)

    @property
    def details(self) -> dict[str, int | None]:
        """The counts by their names in a record."""
        found: dict[str, int | None] = {name: getattr(self, name) for name in ("attempts", "scored", "wrong")}
        found |= {name: getattr(self, name) for name in ("no_value", "errored", "limit_hit", "unparsed")}
        return ({"empty": self.empty, "truncated": self.truncated} if self.generative else {}) | found


def blank_attempts(item: AskedItem, made: int) -> int:
    """How many of the attempts at an item say nothing, but for those that failed or hit a limit: counted as such, and
    no answers of the model's. Where several texts make one attempt, as those of a vote, all of them must be blank."""
    texts = item.answers if item.scored is None else item.scored
    blank = sum(not text.strip() for text in texts)
    return max(0, (blank * made // len(texts) if texts else made) - item.errored - item.limit_hit)


def short_slug(text: str) -> str:
    """A slug that file systems take, however long the name in a file is."""
    name = slug(text)
    return (
        name if len(name) <= 120 else f"{name[:100]}_{hashlib.sha256(text.encode(errors='replace')).hexdigest()[:12]}"
    )


def foreign_id(path: str) -> str:
    """`<run>/<folder>` of a path on another machine, without the name of a person.

    "/data/run/checkpoint-500", "D:\\\\run\\\\checkpoint-500" -> run/checkpoint-500; "~ann/model" -> local/model
    """
    parts = [part for part in re.split(r"[/\\]+", re.sub(r"^[A-Za-z]:", "", path)) if part not in ("", ".", "..", "~")]
    if not parts:
        return "local/unnamed"
    skip = 1 if parts[0].startswith("~") else 0
    for index, name in enumerate(parts[:-1]):
        if name.lower() in HOME_FOLDERS:
            skip = index + (1 if name.lower() == "root" else 2)
            break
    return local_id(Path("/", *(parts[skip:] or parts[-1:])))


def is_path(name: str) -> bool:
    """Whether a model's name is a place on some machine and no id."""
    if name.startswith(("/", "./", "../", "~", "\\")) or re.match(r"[A-Za-z]:[\\/]", name) or "\\" in name:
        return True
    last = name.rstrip("/").rsplit("/", 1)[-1]
    return name.count("/") > 1 or ("/" in name and parse_checkpoint_name(last) is not None)


def hub_source(repo: str, split: str | None, total: int | None, details: dict[str, Any]) -> dict[str, Any]:
    """The source_data of a data set on the Hub."""
    source = {
        "dataset_name": repo.split("/")[-1],
        "source_type": "hf_dataset",
        "hf_repo": repo,
        "hf_split": split,
        "samples_number": total,
        "additional_details": strings(details),
    }
    return {name: value for name, value in source.items() if value is not None}


DATA_ENDINGS = {".json", ".jsonl", ".parquet", ".eval", ".yml", ".yaml", ".csv", ".gz"}


@dataclass(frozen=True)
class FoundFile:
    """A file to be looked at; `asked` when it was named itself and did not only lie in a folder."""

    path: Path
    asked: bool


def is_result_name(path: Path) -> bool:
    """Whether a file may hold results, by its name."""
    return path.suffix in DATA_ENDINGS and (path.name == "trainer_state.json" or not MODEL_JSON.fullmatch(path.name))


class Files:
    """The files of a conversion; knows where the items of a results file lie."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self.found: dict[str, FoundFile] = {}
        self.used: set[Path] = set()
        self.listed: dict[Path, dict[str, dict[str, Path]]] = {}
        paths = list(paths)
        search_in(paths)
        for path in paths:
            if path.is_dir():
                for base, folders, names in os.walk(path):
                    folders[:] = entered(base, folders, path)
                    for name in sorted(name for name in names if not name.startswith(".")):
                        self.add(Path(base) / name, False)
            else:
                self.add(path, True)
        self.parquet = [row.path for row in self.found.values() if row.path.suffix == ".parquet"]

    def add(self, path: Path, asked: bool) -> None:
        if not asked and not path.is_file():  # a pipe or a device: opening it may never end
            return
        if not asked and path.is_symlink() and searched_part(str(path)):
            if is_result_name(path):
                refuse_out(path)
            return  # weights and a tokenizer that lie elsewhere: no results
        real = os.path.realpath(path)
        if asked or real not in self.found:
            self.found[real] = FoundFile(path, asked)

    def details(self, results: Path, task: str) -> tuple[Path | None, Path | None]:
        """The details file of a lighteval task: in the folder beside results/, below that of the results file, or named
        itself; and, where there is none, one elsewhere of the same time, which may be of another's run."""
        stamp = results.stem.removeprefix("results_")
        wanted = {slug(f"details_{task}_{stamp}"), slug(f"details_{re.sub(r'[|]0$', '', task)}_{stamp}")}
        places: list[Path] = []
        folder = results.resolve().parent
        for index in range(len(folder.parts) - 1, 0, -1):
            if folder.parts[index] == "results":
                beside = Path(*folder.parts[:index], "details", *folder.parts[index + 1 :])
                places += sorted(beside.glob(f"{glob.escape(stamp)}/*.parquet")) if STAMP.search(stamp) else []
        fitting = [path for path in [*places, *self.parquet] if slug(path.stem) in wanted]
        for path in fitting:
            own = path in places or folder in path.resolve().parents
            if own or self.found[os.path.realpath(path)].asked:
                self.used.add(path.resolve())
                return path, None
        return None, next(iter(fitting), None)

    def lm_eval_samples(self, results: Path, task: str, tasks: Iterable[str]) -> Path | None:
        """The samples file of an lm-eval task: of the same time, beside the results file.

        samples_<task>_<time>.jsonl, whatever --output_path calls the results; before 0.4.3
        <model arguments>_<task>.jsonl, where the end of "x_arc_easy" could also be the task "easy": one that ends like
        a longer name of `tasks` is that one's.
        """
        stamp = STAMP.search(results.name)
        ending = results.stem.removeprefix("results")
        exact = [f"samples_{task}{ending}.jsonl", f"{stamp[0] if stamp else ''}_samples_{task}.jsonl"]
        exact += [f"{results.stem.removesuffix('_results')}_samples_{task}.jsonl"]  # lmms-eval
        exact += [f"samples_{task}_{stamp[0]}.jsonl"] if stamp else []
        names = self.lines_in(results.parent)
        found = [results.with_name(name) for name in exact if stamp and name in names[""]][:1]
        if not found and task in names:
            longer = tuple(name for name in tasks if name.endswith(f"_{task}"))
            found = [path for path in names[task].values() if not (longer and path.stem.endswith(longer))]
            found = found if len(found) == 1 else []
        for path in found[:1]:
            self.used.add(path.resolve())
        return found[0] if found else None

    def lines_in(self, folder: Path) -> dict[str, dict[str, Path]]:
        """The JSON-lines files of a folder: by their names under "", and by each part of a name behind a "_"."""
        if folder not in self.listed:
            listed: dict[str, dict[str, Path]] = {"": {}}
            for path in sorted(folder.glob("*.jsonl")):
                listed[""][path.name] = path
                words = path.stem.split("_")
                for index in range(len(words)):
                    listed.setdefault("_".join(words[index:]), {})[path.name] = path
            self.listed[folder] = listed
        return self.listed[folder]


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with open_result(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def reason_of(error: BaseException) -> str:
    """One line for what is wrong with a file."""
    text = without_paths(single_line(error))[:300]
    if isinstance(error, MemoryError):
        return "too large for the memory of this machine"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return (
        text if isinstance(error, ValueError) and text else f"damaged ({type(error).__name__}: {text or 'no details'})"
    )
