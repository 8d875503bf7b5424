"""What records say of each checkpoint of a run: scores, settings, items; each bound to its weights."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from parts.checkpoints import Checkpoint, weights_sha256
from parts.frame import ROUNDED, ScriptError, is_number, listing, nearest, note, single_line
from parts.inputs import input_text, stored_lines, strict_json_line
from parts.metadata.front_matter import load_yaml
from parts.records.files import read_record, record_files
from parts.statistics.intervals import Estimate, ItemScores
from parts.tables import progress
from parts.vocabulary import STEP_FORMULAS, MetricMapping, unit_and_range

CLUSTER_FIELD = "cluster_id"  # in a sample's metadata: items with the same one share a passage or a question
SAME_FOR_ALL = ("metric", "shots", "harness", "engine", "dtype", "prompt settings", "generation", "data set")


@dataclass(frozen=True, slots=True)
class Result:
    """One metric of one record, with what is needed to pair it with others of the same settings."""

    key: str  # canonical benchmark
    subtask: str  # the part of it that was measured ("anatomy" of mmlu); empty: the whole
    result_id: str
    metric: str
    score: Estimate
    settings: str
    limited: bool
    harness: str
    file: str
    conditions: Mapping[str, str] = field(default_factory=dict)  # what must be alike for all compared checkpoints
    counts: Mapping[str, int] = field(default_factory=dict)  # of answers that are empty, truncated, unparsed, unscored
    scale: float = 1.0  # from the samples' scores to this score's unit
    corpus_level: bool = False  # the score is no mean of the samples' scores

    @property
    def task(self) -> str:
        """The task's name: the benchmark, and its part: "mmlu:anatomy"."""
        return f"{self.key}:{self.subtask}" if self.subtask else self.key


@dataclass(frozen=True, slots=True)
class Samples:
    """One result's items as its samples file has them, in the order of `keys`.

    keys: sample id, hash and number of the repetition; clusters: a name for items that share a passage or a question,
    else None; scores: (items,) array on the record's scale, NaN where the answer could not be scored.
    """

    keys: tuple[tuple[str, str, int], ...]
    clusters: tuple[str | None, ...]
    scores: Any
    items_digest: str
    prompts_digest: str | None
    empty: int | None


def record_results(path: Path, record: Mapping[str, Any], vocabulary: MetricMapping) -> list[Result]:
    """A record's numbers, checked; ScriptError naming file and field when one is no finite score in its range."""
    found = []
    for row in record["evaluation_results"]:
        try:
            found.append(read_result(path, row, record, vocabulary))
        except KeyError as error:
            raise ScriptError(f"{path}: unreadable record: no {error} in evaluation_results; evaluate again") from error
        except (AttributeError, TypeError, ValueError) as error:
            raise ScriptError(
                f"{path}: unreadable record: {single_line(error)}; evaluate again, or remove it"
            ) from error
    return found


def read_result(path: Path, row: Mapping[str, Any], record: Mapping[str, Any], vocabulary: MetricMapping) -> Result:
    """One of a record's results; any error of looking things up means that it is damaged."""
    library = record.get("eval_library") or {}
    metric, details, task = row["metric_config"], row["score_details"], str(row["evaluation_name"])
    result_id = single_line(row.get("evaluation_result_id") or f"{task}/{metric.get('metric_id')}")
    key, subtask = vocabulary.task_key(task, str(library.get("name", "")))
    generation = row.get("generation_config") or {}
    extra = generation.get("additional_details") or {}
    score = read_score(metric, details, extra, result_id, vocabulary.entries.get(key, {}))
    shaping = {name: value for name, value in extra.items() if name not in ("batch_size", "device")}  # decide no score
    generation = {**generation, "additional_details": shaping}
    settings = {"generation": generation, "source": row.get("source_data"), "library": library.get("version")}
    harness = single_line(f"{library.get('name')} {library.get('version')}")
    aggregation = (metric.get("additional_details") or {}).get("aggregation", "mean")
    return Result(
        key,
        subtask,
        result_id,
        score.metric or "score",
        score,
        settings=json.dumps(settings, sort_keys=True),
        limited=str(extra.get("limit", "None")) not in ("None", "null", ""),
        harness=harness,
        file=path.as_posix(),
        conditions=read_conditions(row, score, harness, (record.get("model_info") or {}).get("inference_engine") or {}),
        counts={
            name: int(count)
            for name, count in (details.get("details") or {}).items()
            if re.fullmatch(r"\d{1,9}", str(count))
        },
        scale=0.01 if score.unit == "proportion" and metric.get("metric_unit") == "percent" else 1.0,
        corpus_level=aggregation != "mean",
    )


def read_conditions(row: Mapping[str, Any], score: Estimate, harness: str, engine: Mapping[str, Any]) -> dict[str, str]:
    """What must be alike for results to be compared; unknown things are empty."""
    generation, source = row.get("generation_config") or {}, row.get("source_data") or {}
    extra, where = generation.get("additional_details") or {}, source.get("additional_details") or {}
    prompt = {k: v for k in ("use_chat_template", "system_prompt", "few_shot_split") if (v := extra.get(k)) is not None}
    data = {
        k: v
        for k in ("dataset_name", "hf_repo", "hf_split", "split", "revision", "data_sha256")
        if (v := source.get(k, where.get(k))) is not None
    }
    values = (
        score.metric or "",
        "" if score.shots is None else f"{score.shots}",
        harness,
        f"{engine.get('name') or ''} {engine.get('version') or ''}",
        extra.get("dtype") or "",
        json.dumps(prompt, sort_keys=True),
        json.dumps(generation.get("generation_args") or {}, sort_keys=True),
        json.dumps(data, sort_keys=True),
    )
    return {name: single_line(value) for name, value in zip(SAME_FOR_ALL, values, strict=True)}


def read_score(
    metric: Mapping[str, Any],
    details: Mapping[str, Any],
    settings: Mapping[str, Any],
    result_id: str,
    entry: Mapping[str, Any],
) -> Estimate:
    """The Estimate in a record's result; a percentage becomes a proportion. ValueError when it is out of range."""
    value = details["score"]
    if not is_number(value):
        raise ValueError(f"the score of {result_id} is {value!r}, not a finite number")
    unit, low, high = unit_and_range(metric, entry)
    if not low <= value <= high:
        raise ValueError(f"the score {value} of {result_id} is outside its range, {low:g} to {high:g}")
    uncertainty = details.get("uncertainty") or {}
    error = (uncertainty.get("standard_error") or {}).get("value")
    if error is not None and not (is_number(error) and error >= 0):
        raise ValueError(f"the standard error of {result_id} is {error!r}, not a positive number")
    count = uncertainty.get("num_samples")
    if count is not None and not (is_number(count) and count == int(count) >= 0):
        raise ValueError(f"num_samples of {result_id} is {count!r}, not a number of items")
    name = metric.get("metric_id") or metric.get("metric_name")
    scale = 0.01 if unit == "percent" else 1
    shots = re.search(r"\|(\d{1,4})/", result_id) or re.fullmatch(r"(\d{1,4})", str(settings.get("few_shot", "")))
    return Estimate(
        value * scale,
        None if error is None else error * scale,
        None if count is None else int(count),
        "proportion" if unit == "percent" else unit,
        bool(metric.get("lower_is_better")),
        name and single_line(name),
        int(shots[1]) if shots else None,
    )


def samples_file(result: Result) -> Path:
    """Where the samples of a result lie: beside its record."""
    path = Path(result.file)
    return path.with_name(f"{path.stem}_samples.jsonl")


def read_samples(result: Result, cluster_by: str | None, known: dict[str, Any]) -> Samples | None:
    """The samples of a result; None without a file, or when it has none about this result.

    known: what several files have in common, kept once. ScriptError for a damaged file.
    """
    path = samples_file(result)
    if not path.exists():
        return None
    try:
        lines = (line for line in stored_lines(path) if line.strip())
        rows = [row for line in lines if is_about(row := strict_json_line(line), result)]
        samples = make_samples(rows, result, cluster_by, known)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ScriptError(
            f"{path}: unreadable samples: {type(error).__name__}: {single_line(error)}; remove the record and its "
            "samples and evaluate again, or leave statistics out with --draws 0"
        ) from error
    return samples


def is_about(row: Mapping[str, Any], result: Result) -> bool:
    """Whether a line of a samples file is about this result; one that names none is about the record's only one."""
    named = row.get("evaluation_result_id")
    return named is None or named == result.result_id or single_line(named) == result.result_id


def make_samples(
    rows: Sequence[Mapping[str, Any]], result: Result, cluster_by: str | None, known: dict[str, Any]
) -> Samples | None:
    """Samples from the lines about one result, in the order of their keys; any error means that they are damaged."""
    import numpy as np

    if not rows:
        return None
    seen: Counter[tuple[str, str]] = Counter()
    found = []
    for row in rows:
        item = str(row["sample_id"]), str(row.get("sample_hash") or "")
        seen[item] += 1
        found.append(((*item, seen[item]), row))
    found.sort(key=lambda pair: pair[0])
    keys = tuple(key for key, _ in found)
    rows = [row for _, row in found]
    scores = np.array([math.nan if row.get("error") else float(row["evaluation"]["score"]) for row in rows])
    if np.isinf(scores).any() or any(math.isnan(s) and not r.get("error") for s, r in zip(scores, rows, strict=True)):
        raise ValueError("a score is not a finite number")
    prompts = [(row.get("metadata") or {}).get("prompt_hash") for row in rows]
    empty = None if "empty" in result.counts else sum(map(is_empty, rows))
    items_digest = digest_of(keys)
    return Samples(
        known.setdefault(items_digest, keys),
        sample_clusters(keys, rows, cluster_by, known),
        scores * result.scale,
        items_digest,
        "" if None in prompts else digest_of(prompts),
        empty,
    )


def is_empty(row: Mapping[str, Any]) -> bool:
    """Whether a written answer is blank."""
    answers = (row.get("output") or {}).get("raw")
    return bool(answers) and "choices" not in row["input"] and not any(text.strip() for text in answers)


def digest_of(parts: Iterable[Any]) -> str:
    """A short hash of some values in their order."""
    return hashlib.blake2b(repr(tuple(parts)).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def sample_clusters(
    keys: Sequence[tuple[str, str, int]],
    rows: Sequence[Mapping[str, Any]],
    cluster_by: str | None,
    known: dict[str, Any],
) -> tuple[str | None, ...]:
    """The cluster of each item: what --cluster-by names, or a known field of the metadata, or the item that repeats."""
    repeated = set() if cluster_by else {key[:2] for key in keys if key[2] > 1}
    clusters: list[str | None] = [" ".join(key[:2]) if key[:2] in repeated else None for key in keys]
    for i, row in enumerate(rows):
        metadata = row.get("metadata") or {}
        name = cluster_by or CLUSTER_FIELD
        value = metadata.get(name, row.get(name) if cluster_by else None)
        clusters[i] = clusters[i] if value is None else str(value)
    return known.setdefault(digest_of(clusters), tuple(clusters))


def adds_up(samples: Samples, result: Result) -> bool:
    """Whether the samples' scores average to the recorded score."""
    import numpy as np

    scored = samples.scores[~np.isnan(samples.scores)]
    return len(scored) > 0 and abs(float(scored.mean()) - result.score.value) <= ROUNDED


def align_items(samples: Mapping[Checkpoint, Mapping[str, Samples]]) -> dict[str, ItemScores]:
    """Task -> items of all checkpoints, for the tasks of which every checkpoint has samples.

    Items are the same when id, hash and repetition are; one that a checkpoint lacks is NaN there.
    """
    import numpy as np

    rows = list(samples.values())
    aligned = {}
    for task in dict.fromkeys(task for own in rows for task in own):
        if not all(task in own for own in rows):
            continue
        parts = [own[task] for own in rows]
        keys = parts[0].keys
        if any(part.keys is not keys for part in parts):
            keys = tuple(sorted({key for part in parts for key in part.keys}))
        places = {key: i for i, key in enumerate(keys)}
        scores = np.full((len(parts), len(keys)), math.nan)
        clusters: list[str | None] = [None] * len(keys)
        for i, part in enumerate(parts):
            where = slice(None) if part.keys is keys else [places[key] for key in part.keys]
            scores[i, where] = part.scores
        for part in {id(part.clusters): part for part in parts}.values():
            for key, cluster in zip(part.keys, part.clusters, strict=True):
                clusters[places[key]] = clusters[places[key]] or cluster
        numbers: dict[Any, int] = {}
        marks = [
            numbers.setdefault(key if name is None else name, len(numbers))
            for key, name in zip(keys, clusters, strict=True)
        ]
        ids = tuple(key[0] if key[2] == 1 else f"{key[0]}#{key[2]}" for key in keys)
        aligned[task] = ItemScores(ids, np.array(marks), scores)
    return aligned


def read_all_samples(
    chosen: Mapping[Checkpoint, Sequence[Result]], cluster_by: str | None = None
) -> dict[Checkpoint, dict[str, Samples]]:
    """The usable samples of the chosen results, by checkpoint and task: those that average to the recorded score.

    Those of a corpus-level metric cannot; of other metrics they should, and a line on stderr says where they do not.
    """
    known: dict[str, Any] = {}
    found: dict[Checkpoint, dict[str, Samples]] = {checkpoint: {} for checkpoint in chosen}
    pairs = [(c, result) for c, results in chosen.items() for result in results if not result.corpus_level]
    apart = []
    for checkpoint, result in progress(pairs, "reading samples"):
        samples = read_samples(result, cluster_by, known)
        if samples is not None and adds_up(samples, result):
            found[checkpoint][result.task] = samples
        elif samples is not None:
            apart.append(result.file)
    if apart:
        note(f"warning: samples that do not average to the recorded score are not used: those of {listing(apart, 3)}")
    everything = [samples for own in found.values() for samples in own.values()]
    if cluster_by and everything and all(set(samples.clusters) == {None} for samples in everything):
        raise ScriptError(f"--cluster-by {cluster_by}: no sample has it, neither in its metadata nor beside it")
    return found


def read_items(chosen: Mapping[Checkpoint, Sequence[Result]], cluster_by: str | None = None) -> dict[str, ItemScores]:
    """Task -> items of all checkpoints, aligned, from the samples beside the records; rows in the order of `chosen`."""
    return align_items(read_all_samples(chosen, cluster_by))


class Owners:
    """Finds the checkpoint that a record is about: by the hash of its weights, else by path and folder name."""

    def __init__(self, checkpoints: Sequence[Checkpoint]) -> None:
        self.checkpoints = checkpoints
        self.hashes: dict[Checkpoint, str] = {}
        self.by_hash: dict[str, Checkpoint] = {}
        self.by_name: dict[str, list[Checkpoint]] = defaultdict(list)
        for checkpoint in checkpoints:
            self.by_name[checkpoint.name].append(checkpoint)

    def weights(self, checkpoint: Checkpoint) -> str:
        """The hash of a checkpoint's weights."""
        if checkpoint not in self.hashes:
            try:
                self.hashes[checkpoint] = weights_sha256(checkpoint.path)
            except OSError as error:
                raise ScriptError(f"{checkpoint.path}: weights not readable: {error.strerror or error}") from error
        return self.hashes[checkpoint]

    def with_weights(self, digest: str) -> Checkpoint | None:
        """The checkpoint whose weights have this hash."""
        if len(self.by_hash) < len(self.checkpoints):
            self.by_hash = {self.weights(c): c for c in reversed(self.checkpoints)}
        return self.by_hash.get(digest)

    def named(self, path: str) -> Checkpoint | None:
        """The checkpoint with this folder name whose path has the other folders of `path`, in order."""
        parts = [part for part in PurePosixPath(path).parts if part not in ("..", ".", "/")]
        for checkpoint in self.by_name.get(parts[-1], ()) if parts else ():
            rest = iter(checkpoint.path.resolve().parts)
            if all(part in rest for part in parts):
                return checkpoint
        return None

    def of(self, record: Mapping[str, Any], file: Path) -> Checkpoint | None:
        """The record's checkpoint, or None when it is about another model; ScriptError for results of other weights."""
        info = record.get("model_info") if isinstance(record.get("model_info"), dict) else {}
        details = info.get("additional_details") or record
        if not isinstance(details, dict):
            return None
        digest, named = str(details.get("weights_sha256") or ""), self.named(str(details.get("path") or ""))
        if not digest or (named and self.weights(named) == digest):
            return named
        owner = self.with_weights(digest)
        if named and not owner and not record.get("failure"):
            raise ScriptError(
                f"{file}: results of other weights: {named.path} has changed since; evaluate it again, or remove the "
                "record"
            )
        return owner


def read_measured(
    folders: Sequence[Path], checkpoints: Sequence[Checkpoint], vocabulary: MetricMapping
) -> tuple[dict[Checkpoint, list[Result]], list[dict[str, Any]], int]:
    """Results by checkpoint, tasks that failed and were not measured since, and how many records are about others."""
    owners = Owners(checkpoints)
    results: dict[Checkpoint, list[Result]] = defaultdict(list)
    failed, strangers = [], 0
    for path in progress(record_files(folders), "reading records"):
        record = read_record(path)
        if record is None:
            continue
        owner = owners.of(record, path)
        if record.get("failure"):
            failed += [(owner, path, record)] if owner else []
        elif owner:
            results[owner] += record_results(path, record, vocabulary)
        else:
            strangers += 1
    failures = []
    for owner, path, record in failed:
        task, error = single_line(record.get("task")), single_line(record.get("error"))[:200]
        library = record.get("eval_library")
        library = str(library.get("name", "")) if isinstance(library, dict) else "lighteval"
        measured = {(r.key, r.subtask) for r in results.get(owner, ())}
        if vocabulary.task_key(task, library) not in measured:
            failures.append({"checkpoint": owner.name, "task": task, "error": error, "file": path.as_posix()})
    return results, failures, strangers


def read_weights(source: str | None, vocabulary: MetricMapping) -> Mapping[str, float] | None:
    """Category -> weight, from a JSON or YAML file or the reference's own."""
    if source is None:
        return None
    if source == "reference":
        return {key: rule.weight for key, rule in STEP_FORMULAS.items()}
    value, _ = load_yaml(input_text(source, where=f"--weights {source}"), f"--weights {source}")
    if not isinstance(value, dict) or not value:
        raise ScriptError(f"--weights {source}: a mapping of category to weight is expected")
    weights = {}
    for name, weight in value.items():
        key = vocabulary.key(str(name))
        if key is None:
            raise ScriptError(f"--weights {source}: unknown name {name!r}{nearest(str(name), vocabulary.entries)}")
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight < math.inf:
            raise ScriptError(f"--weights {source}: the weight of {name} is {weight!r}, not a number of at least 0")
        weights[key] = float(weight)
    return weights
