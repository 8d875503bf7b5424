"""The Hub's official Benchmarks as values: what an eval.yaml says, and which task of which of them a result is for.

Takes eval.yaml texts and what a source says of a result (name, key in metric_mapping.json, data set); gives the
place on the Hub where the result counts, no place with the reason, or the candidates that a person has to choose from.
Format: https://huggingface.co/docs/hub/eval-results ("eval.yaml specification").
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from parts.embedded import embedded
from parts.frame import ScriptError, listing, option_words, single_line
from parts.metadata.entries import NOT_THE_HUBS, OWN_FILES, Entry
from parts.vocabulary import WITH_TOOLS, normalize_name, other_data
from parts.yaml_tree import load_yaml

SHIPPED = embedded("metadata/official.json")
MAX_BENCHMARK_TASKS = 500
NO_BENCHMARK = "no official Benchmark of this name or data set"
SCALES = {name: name for name in ("percent", "proportion", "points")} | {"percentage": "percent", "elo": "points"}
ANY_CONFIG = {"", "default", "main", "all", "none"}  # configurations that say no more than the data set's id
# Frameworks that run many benchmarks, or that collect what others have run. Every other one is a benchmark's own
# harness: its leaderboard ranks what that harness measures, so that a result of another one needs a person's word.
GENERAL_FRAMEWORKS = {
    "", "none", "inspectai", "lighteval", "lmeval", "lmevaluationharness", "nemoevaluator", "matharena", "mteb", "helm",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class BenchmarkTask:
    """One leaderboard of a Benchmark."""

    id: str
    config: str = ""
    split: str = ""


@dataclass(frozen=True, slots=True)
class OfficialBenchmark:
    """A data set that the Hub ranks models on. `problem`: why its eval.yaml is not known, or not from the Hub."""

    dataset_id: str
    name: str = ""
    framework: str = ""  # evaluation_framework of its eval.yaml
    tasks: tuple[BenchmarkTask, ...] = ()  # none: not known
    sha: str | None = None
    gated: bool = False
    problem: str = ""
    lower_is_better: bool | None = None  # None: its eval.yaml does not say
    unit: str | None = None  # "percent", "proportion" or "points", where its eval.yaml says so

    @property
    def repo_name(self) -> str:
        return self.dataset_id.rpartition("/")[2]

    @property
    def title(self) -> str:
        return self.name or self.repo_name

    @property
    def own_harness(self) -> str:
        """The harness whose results alone its leaderboard is for, or nothing."""
        return "" if normalize_name(self.framework) in GENERAL_FRAMEWORKS else self.framework

    def task(self, task_id: str) -> BenchmarkTask | None:
        return next((task for task in self.tasks if task.id == task_id), None)

    def stem(self, task_id: str) -> str:
        """The name of a result's file as the community writes it: the data set's, of several tasks also the task's."""
        parts = [self.repo_name] if len(self.tasks) == 1 else [self.repo_name, task_id.rpartition("/")[2]]
        return re.sub(r"[\W_]+", "_", "_".join(parts).lower(), flags=re.ASCII).strip("_")


@dataclass(frozen=True, slots=True)
class OfficialPlace:
    """Where a result counts: a task of a Benchmark, and the stem of its file in .eval_results."""

    dataset_id: str
    task_id: str
    stem: str
    how: str  # by which the place is known, for people
    own_harness: str = ""


@dataclass(frozen=True, slots=True)
class PlaceMatch:
    """A result's place; without one the reason, or the places (DATASET:TASK) among which a person has to choose."""

    place: OfficialPlace | None = None
    why: str = ""
    candidates: tuple[str, ...] = ()

    @property
    def no_benchmark(self) -> bool:
        """Whether there is nothing to say: the result is of no official Benchmark."""
        return self.place is None and self.why == NO_BENCHMARK


@dataclass(slots=True)
class OfficialList:
    """The official Benchmarks by data set id in lower case, and how old this list is."""

    benchmarks: dict[str, OfficialBenchmark] = field(default_factory=dict)
    as_of: str = ""  # ISO 8601
    basis: str = "snapshot"  # "hub": asked now; "cache": asked less than a day ago; "stale": older; "snapshot": shipped
    reason: str = ""  # why the Hub was not asked

    def get(self, dataset_id: str) -> OfficialBenchmark | None:
        return self.benchmarks.get(dataset_id.lower())

    @property
    def about(self) -> str:
        """How old the list is, for people."""
        when = {
            "hub": "from the Hub, just now",
            "cache": f"from the Hub, {self.as_of}",
            "stale": f"from the Hub, but of {self.as_of}",
            "snapshot": f"the list of {self.as_of} that this script brings along",
        }[self.basis]
        return f"{when}{f' ({self.reason})' if self.reason else ''}"


@functools.cache
def shipped_list() -> OfficialList:
    """The list that this script brings along, with its date: not to be changed."""
    rows = [benchmark_from_json(row) for row in SHIPPED["benchmarks"]]
    return OfficialList({row.dataset_id.lower(): row for row in rows}, SHIPPED["as_of"], "snapshot")


def benchmark_from_json(row: Mapping[str, Any]) -> OfficialBenchmark:
    """A Benchmark as it is kept and shipped; `tasks` are [id, config, split]."""
    tasks = tuple(BenchmarkTask(*map(str, task)) for task in row.get("tasks") or ())
    return OfficialBenchmark(**{**row, "tasks": tasks})


# --- eval.yaml ---


def parse_eval_yaml(text: str, dataset_id: str, **known: Any) -> OfficialBenchmark:
    """A data set's eval.yaml; what is wrong with it is the Benchmark's `problem`.

    `metrics` (id, higher_is_better, unit, primary) is a proposal for the format that some data sets follow.
    """
    try:
        data, _ = load_yaml(text, f"{dataset_id}/eval.yaml")
    except ScriptError as error:
        return OfficialBenchmark(dataset_id, problem=single_line(error)[:200], **known)
    rows = data.get("tasks") if isinstance(data, dict) else None
    if not isinstance(rows, list):
        return OfficialBenchmark(dataset_id, problem="its eval.yaml has no list of tasks", **known)
    tasks = [task for task in map(benchmark_task, rows[:MAX_BENCHMARK_TASKS]) if task is not None]
    metric = main_metric(data.get("metrics"))
    higher = metric.get("higher_is_better")
    unit = SCALES.get(str(metric.get("unit")).lower())
    return OfficialBenchmark(
        dataset_id,
        name=eval_yaml_text(data.get("name")),
        framework=eval_yaml_text(data.get("evaluation_framework")),
        tasks=tuple({task.id: task for task in tasks}.values()),
        problem="" if tasks else "its eval.yaml names no task",
        lower_is_better=not higher if isinstance(higher, bool) else None,
        unit=unit,
        **known,
    )


def benchmark_task(row: Any) -> BenchmarkTask | None:
    """One item of `tasks`; None when it has no id."""
    task_id = row.get("id") if isinstance(row, dict) else None
    if not isinstance(task_id, str) or not task_id or task_id != single_line(task_id) or len(task_id) > 200:
        return None
    return BenchmarkTask(task_id, eval_yaml_text(row.get("config")), eval_yaml_text(row.get("split")))


def main_metric(rows: Any) -> Mapping[str, Any]:
    """The primary one of an eval.yaml's metrics, or its only one."""
    metrics = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    primary = [row for row in metrics if row.get("primary") is True]
    return primary[0] if len(primary) == 1 else metrics[0] if len(metrics) == 1 else {}


def eval_yaml_text(value: Any) -> str:
    """A text of an eval.yaml, on one line; nothing for anything else."""
    return single_line(value)[:200] if isinstance(value, str) else ""


# --- Which Benchmark is a result for? ---


@dataclass(frozen=True, slots=True)
class BenchmarkClaim:
    """What a source says about one of its results."""

    name: str  # the source's word for the benchmark
    key: str | None = None  # of metric_mapping.json
    part: bool = False  # a part of a benchmark, such as a subject of MMLU
    dataset_id: str = ""  # of the data that was used
    config: str = ""
    split: str = ""


def find_place(
    claim: BenchmarkClaim, official: OfficialList, mapping: Mapping[str, Any], answer: str = ""
) -> PlaceMatch:
    """The place of a result: by a person's answer, by the vocabulary, by its data set's id, then by its exact name.

    `answer` is DATASET:TASK, or "none". Nothing is guessed: where several tasks are possible, they are candidates.
    """
    if answer:
        return place_answered(answer, official, claim)
    if claim.part:
        return PlaceMatch(why="a part of a benchmark, not the benchmark")
    known = mapping.get(claim.key or "") or {}
    match = place_known(claim, official, known)
    if place := match.place:
        benchmark = {"name": place.dataset_id, **known, "hub": {"dataset_id": place.dataset_id}}
        if why := other_data(benchmark, claim.dataset_id):
            return PlaceMatch(why=why, candidates=(f"{place.dataset_id}:{place.task_id}",))
    return match


def place_known(claim: BenchmarkClaim, official: OfficialList, known: Mapping[str, Any]) -> PlaceMatch:
    """As `find_place`, of whatever data; `known`: the vocabulary's entry."""
    names = {normalize_name(name) for name in (claim.key, known.get("name"), *known.get("aliases", ())) if name}
    hint, index = known.get("hub") or {}, known.get("model_index") or {}
    if hint and (found := official.get(hint["dataset_id"])):
        return in_benchmark(found, claim, names, known, by="metric_mapping.json", hint=hint["task_id"])
    if known and (found := official.get(str(index.get("type") or ""))):
        return in_benchmark(found, claim, names, known, by="metric_mapping.json's data set")
    if claim.dataset_id and (found := official.get(claim.dataset_id)):
        return in_benchmark(found, claim, names | {normalize_name(claim.name)}, known, by="the data set that was used")
    match = place_by_name(official, claim, names or {normalize_name(claim.name)})
    if match.no_benchmark and hint:
        return PlaceMatch(why=f"{hint['dataset_id']} is no official Benchmark")
    return match


def in_benchmark(
    found: OfficialBenchmark, claim: BenchmarkClaim, names: set[str], known: Mapping[str, Any], by: str, hint: str = ""
) -> PlaceMatch:
    """The task of one Benchmark: the hinted one, that of this configuration, that of this name, else the only one."""
    if not found.tasks:
        if hint:
            return PlaceMatch(place_at(found, hint, claim, f"{by}; {found.problem or 'its tasks are not known here'}"))
        return PlaceMatch(why=f"{found.dataset_id}: {found.problem or 'its tasks are not known here'}")
    vague = len(found.tasks) > 1 and not claim.config and normalize_name(claim.name) in benchmark_names(found)
    config = normalize_name(claim.config or str((known.get("model_index") or {}).get("config") or ""))
    exact = [task for task in found.tasks if task.id == hint]
    by_config = [task for task in found.tasks if config not in ANY_CONFIG and config in folded_names(task)]
    named = [task for task in found.tasks if names & folded_names(task)]
    for tasks in (exact, by_config, named):
        if len(tasks) == 1 and not vague:  # "GPQA" alone is the name of a Benchmark, not of one of its three tasks
            return place_of_task(found, tasks[0], claim, by)
    only = found.tasks[0]
    if len(found.tasks) == 1 and (hint or known or names & benchmark_names(found)):
        return place_of_task(found, only, claim, by)
    return PlaceMatch(
        why=f"{by} is {found.dataset_id}", candidates=tuple(f"{found.dataset_id}:{t.id}" for t in found.tasks)
    )


def place_of_task(found: OfficialBenchmark, task: BenchmarkTask, claim: BenchmarkClaim, by: str) -> PlaceMatch:
    """The place, unless the data that was used is known to be other data than the task's."""
    own = {normalize_name(task.config)} | ANY_CONFIG
    given = normalize_name(claim.config)
    same_data = claim.dataset_id.lower() == found.dataset_id.lower()
    if same_data and given not in own and given not in folded_names(task):
        why = f"measured on the configuration {claim.config}, while {task.id} is {task.config or 'the default'}"
        return PlaceMatch(why=why, candidates=(f"{found.dataset_id}:{task.id}",))
    if same_data and claim.split and task.split and claim.split != task.split:
        why = f"measured on the split {claim.split}, while {task.id} is {task.split}"
        return PlaceMatch(why=why, candidates=(f"{found.dataset_id}:{task.id}",))
    return PlaceMatch(place_at(found, task.id, claim, by))


def place_by_name(official: OfficialList, claim: BenchmarkClaim, names: set[str]) -> PlaceMatch:
    """The place whose Benchmark or task has exactly one of these names, once folded."""
    names = names - {""}
    places = []
    for found in official.benchmarks.values():
        tasks = [task for task in found.tasks if normalize_name(task.id.rpartition("/")[2]) in names]
        if tasks or names & benchmark_names(found):
            places += [(found, task) for task in tasks or found.tasks]
    if len(places) == 1:
        return place_of_task(*places[0], claim, "its name")
    why = "several have its name" if places else NO_BENCHMARK
    return PlaceMatch(why=why, candidates=tuple(f"{found.dataset_id}:{task.id}" for found, task in places))


def place_answered(answer: str, official: OfficialList, claim: BenchmarkClaim) -> PlaceMatch:
    """The place that a person named; ScriptError when there is no such task."""
    if answer == "none":
        return PlaceMatch(why="left out, as --counts-as says")
    dataset_id, _, task_id = answer.partition(":")
    found = official.get(dataset_id)
    if found is None:
        raise ScriptError(f"--counts-as {answer}: {dataset_id} is no official Benchmark ({official.about})")
    if found.tasks and not found.task(task_id):
        raise ScriptError(f"--counts-as {answer}: the tasks of {found.dataset_id} are {listing(task_ids(found), 20)}")
    if not task_id:
        raise ScriptError(f"--counts-as {answer}: DATASET:TASK is expected")
    return PlaceMatch(place_at(found, task_id, claim, "--counts-as"))


def place_at(found: OfficialBenchmark, task_id: str, claim: BenchmarkClaim, how: str) -> OfficialPlace:
    return OfficialPlace(found.dataset_id, task_id, claim.key or found.stem(task_id), how, found.own_harness)


def folded_names(task: BenchmarkTask) -> set[str]:
    """The task's id, its last part, and the configuration that is it."""
    texts = (task.id, task.id.rpartition("/")[2], task.config)
    return {normalize_name(text) for text in texts} - ANY_CONFIG


def benchmark_names(found: OfficialBenchmark) -> set[str]:
    return {normalize_name(found.name), normalize_name(found.repo_name)} - {""}


def task_ids(found: OfficialBenchmark) -> list[str]:
    return [task.id for task in found.tasks]


def keys_of_tasks(official: OfficialList, mapping: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    """(data set id, task id) -> the key of metric_mapping.json whose results count there."""
    keys = {}
    for key, entry in mapping.items():
        if entry.get("kind") == "benchmark":
            config = str((entry.get("model_index") or {}).get("config") or "")
            place = find_place(BenchmarkClaim(key, key, config=config), official, mapping).place
            if place:
                keys[place.dataset_id, place.task_id] = key
    return keys


def official_answers(texts: Sequence[str] | None) -> dict[str, str]:
    """--counts-as NAME=DATASET:TASK or NAME=none -> {folded name: answer}"""
    answers = {}
    for text in texts or []:
        name, _, answer = text.partition("=")
        if not name or not (answer == "none" or re.fullmatch(r"[\w.-]+/[\w.-]+:.+", answer)):
            raise ScriptError(f"--counts-as {text}: NAME=OWNER/DATASET:TASK or NAME=none is expected")
        answers[normalize_name(name)] = answer
    return answers


@dataclass(slots=True)
class Placing:
    """What is needed to find results their places: the official Benchmarks, the vocabulary, a person's answers."""

    official: OfficialList
    mapping: Mapping[str, Any]
    answers: Mapping[str, str] = field(default_factory=dict)  # folded name or key -> DATASET:TASK or "none"
    own_harness: frozenset[str] = frozenset()  # folded keys of results that are said to be of the Benchmark's harness
    names: dict[str, str] = field(default_factory=dict)  # folded key, name or alias -> key; filled when it is needed

    def match(self, entry: Entry) -> PlaceMatch:
        """The place of a result, its reason, or its candidates; a result of another harness needs a person's word."""
        claim = self.claim(entry)
        name = claim.key or single_line(claim.name)
        answer = self.answers.get(normalize_name(claim.key or "")) or self.answers.get(normalize_name(claim.name), "")
        match = find_place(claim, self.official, self.mapping, answer)
        place = match.place
        if OWN_FILES in dict(entry.dataset) and not answer and not match.no_benchmark:
            way = option_words("--counts-as", f"{name}=OWNER/DATASET:TASK")
            return PlaceMatch(why=f"{NOT_THE_HUBS}; {way} says that they are its items")
        if place is None or not place.own_harness:
            return match
        said = {normalize_name(text) for text in (name, place.stem, place.dataset_id, "all")} & self.own_harness
        if said or normalize_name(place.own_harness) in normalize_name(entry.source_name or ""):
            return match
        way = option_words("--own-harness", name)
        return PlaceMatch(
            why=f"{place.dataset_id} ranks results of its own harness, {place.own_harness}; {way} says so"
        )

    def claim(self, entry: Entry) -> BenchmarkClaim:
        """What a result to publish says about its benchmark; "HLE (w/ tools)" is about HLE."""
        self.names = self.names or vocabulary_names(self.mapping)
        data = dict(entry.dataset)
        dataset_id = data.get("type", "") if "/" in data.get("type", "") or "split" in data else ""
        name = re.sub(r"[(\[]\s*[)\]]", "", WITH_TOOLS.sub("", entry.benchmark)).strip() if entry.variant else ""
        name = name or entry.benchmark
        return BenchmarkClaim(
            name,
            entry.key or (self.names.get(normalize_name(name)) if entry.variant else None),
            part=entry.key is None and self.is_part(name),
            dataset_id=dataset_id,
            config=data.get("config", ""),
            split=data.get("split", ""),
        )

    def is_part(self, name: str) -> bool:
        """Whether a name is a known benchmark's with something behind a colon or comma: "mmlu:anatomy"."""
        wholes = [normalize_name(name[: found.start()]) for found in re.finditer("[:,]", name)]
        return any(whole in self.names for whole in wholes)

    def question(self, entry: Entry, match: PlaceMatch) -> str:
        """What a person is asked about a result whose place is unsure."""
        name = entry.key or single_line(entry.benchmark)
        return (
            f"{name}: {match.why}; which task of the Hub's Benchmarks it is for is not certain: "
            f"{listing(match.candidates, 8)}; {option_words('--counts-as', f'{name}={match.candidates[0]}')} takes "
            f"this one, {option_words('--counts-as', f'{name}=none')} leaves it out"
        )


def vocabulary_names(mapping: Mapping[str, Any]) -> dict[str, str]:
    """The folded keys, names and aliases of the vocabulary's benchmarks -> their keys."""
    return {
        normalize_name(name): key
        for key, entry in mapping.items()
        if entry.get("kind") != "category"
        for name in (key, entry.get("name"), *(entry.get("aliases") or ()))
        if isinstance(name, str) and name
    }
