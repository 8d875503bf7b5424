"""Records and samples read for a comparison."""

from __future__ import annotations

import datetime
import hashlib
import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from parts.comparison.comparable import COUNTED
from parts.comparison.policy import parse_policy
from parts.comparison.vocabulary import Answer, ModelRuns, Policy, Run
from parts.frame import ROUNDED, ScriptError, is_number, listing, natural_key, nearest, note, single_line
from parts.inputs import MAX_SAMPLES, input_bytes, input_text, stored_lines, strict_json_line
from parts.metadata.front_matter import load_yaml
from parts.records.files import read_record, record_files
from parts.statistics.paired import interval_from_bounds
from parts.tables import progress
from parts.vocabulary import MetricMapping, normalize_name, unit_and_range

CLUSTER_FIELDS = ("cluster_id", "passage_id", "question_id")  # in a sample's metadata
REPEAT_FIELDS = ("epoch", "repeat", "attempt")  # what tells repeats of an item apart

# Settings that must be equal on both sides; those of UNIMPORTANT change no score, the rest is only mentioned.
DECISIVE = {
    "few_shot": "few-shot count",
    "few_shot_split": "few-shot split",
    "dtype": "dtype",
    "use_chat_template": "chat template",
    "chat_template": "chat template",
    "chat_template_hash": "chat template",
    "system_prompt": "system prompt",
    "backend": "engine",
}
UNIMPORTANT = {"seed", "batch_size", "device", "gpu", "hardware", "trust_remote_code", "limit", "execution_command"}
CHOICE_METRICS = {"accuracy", "acc", "accnorm", "exactmatch"}  # of which guessing among the choices is the floor


def read_policy(path: str | None, vocabulary: MetricMapping) -> Policy:
    """The policy file, or the defaults."""
    if path is None:
        return Policy()
    content, _ = load_yaml(input_text(path, where=f"--policy {path}"), f"--policy {path}")
    return parse_policy(content, f"--policy {path}", lambda name: vocabulary.key(name) or name)


@dataclass(frozen=True, slots=True)
class RecordEntry:
    """A record (or failure entry) with its file, and the model that it is about."""

    path: Path
    record: Mapping[str, Any]
    model: str
    names: frozenset[str]
    weights: str


def read_record_entries(paths: Iterable[Path]) -> list[RecordEntry]:
    """The records and failure entries in some files."""
    found = []
    for path in progress(list(paths), "reading records"):
        record = read_record(path)
        if record is not None:
            found.append(read_record_entry(path, record))
    return found


def read_record_entry(path: Path, record: Mapping[str, Any]) -> RecordEntry:
    """The entry of a record: a model goes by its id, the last part of that, its name and its checkpoint's name."""
    info = record.get("model_info") or {}
    if record.get("failure"):
        info = {"id": record.get("model_id"), "additional_details": record}
    details = info.get("additional_details") if isinstance(info, dict) else None
    if not isinstance(info, dict) or not isinstance(details, dict | None):
        raise ScriptError(f"{path}: unreadable record: model_info is no object; evaluate again")
    details = details or {}
    model = single_line(info.get("id") or info.get("name") or details.get("checkpoint") or "")
    if not model:
        raise ScriptError(f"{path}: unreadable record: model_info has no id; evaluate again")
    names = {model, model.rsplit("/", 1)[-1], *(str(v) for v in (info.get("name"), details.get("checkpoint")) if v)}
    return RecordEntry(path, record, model, frozenset(names), str(details.get("weights_sha256") or ""))


class Library:
    """The records below the folders of --results, read when they are first asked for."""

    def __init__(self, folders: Sequence[str] | None) -> None:
        self.folders = [Path(folder) for folder in folders or ()]
        self.found: list[RecordEntry] | None = None

    def entries(self) -> list[RecordEntry]:
        """All of them."""
        if self.found is None:
            self.found = read_record_entries(record_files(self.folders))
        return self.found

    def lookup(self, source: str, flag: str) -> list[RecordEntry]:
        """The records that --baseline, --candidate or --aa names: a file, a folder, or a model within --results."""
        path = Path(source)
        if path.is_file():
            entries = read_record_entries([path])
        else:
            entries = read_record_entries(record_files([path])) if path.is_dir() else []
        if not entries and self.folders:
            name = path.name if path.is_dir() else source
            entries = [entry for entry in self.entries() if name in entry.names]
        if not entries:
            raise ScriptError(f"{flag} {source}: {self.why_missing(path, source)}")
        return entries

    def why_missing(self, path: Path, source: str) -> str:
        """What to say, and to try, when nothing is found."""
        if not self.folders:
            what = "no record in it" if path.exists() else "no such file or folder"
            return f"{what}; a model's name needs --results DIR, the folder with its records"
        models = sorted({entry.model for entry in self.entries()}, key=natural_key)
        names = {name for entry in self.entries() for name in entry.names}
        return f"no record of it below {listing(map(str, self.folders))}" + (
            nearest(source, names) or f"; there are: {listing(models, 20)}" if models else ", which holds no records"
        )


def read_model(entries: Sequence[RecordEntry], source: str, flag: str, reader: RunReader) -> ModelRuns:
    """The one model that some entries are about; ScriptError when there are several, or results of other weights."""
    models = sorted({entry.model for entry in entries}, key=natural_key)
    if len(models) > 1:
        raise ScriptError(f"{flag} {source}: several models; name one of them: {listing(models, 20)}", code=3)
    records = [entry for entry in entries if not entry.record.get("failure")]
    by_weights = {entry.weights: entry.path for entry in records if entry.weights}
    if len(by_weights) > 1:
        one, two = list(by_weights.values())[:2]
        raise ScriptError(f"{flag} {source}: results of two weights of one name: {one} and {two}; remove the wrong one")
    if not records:
        raise ScriptError(f"{flag} {source}: all of its {len(entries)} tasks failed; evaluate it again")
    runs = tuple(run for entry in records for run in reader.read(entry))
    failures = {}
    for entry in entries:
        if entry.record.get("failure"):
            library = entry.record.get("eval_library")
            name = str(library.get("name", "")) if isinstance(library, dict) else "lighteval"
            key, _ = reader.vocabulary.task_key(str(entry.record.get("task")), name)
            failures[key] = single_line(entry.record.get("error"))[:200]
    return ModelRuns(models[0], runs, failures)


class RunReader:
    """Turns records and their samples files into runs; every error names the file."""

    def __init__(self, vocabulary: MetricMapping, cluster_by: str | None) -> None:
        self.vocabulary = vocabulary
        self.cluster_by = cluster_by
        self.fields: set[str] = set()  # metadata fields met, to name them when --cluster-by is none of them
        self.clustered = False

    def read(self, entry: RecordEntry) -> list[Run]:
        """A record's results, with their items."""
        try:
            samples = self.read_samples(entry)
            return [self.read_run(entry, row, samples) for row in entry.record["evaluation_results"]]
        except KeyError as error:
            raise ScriptError(f"{entry.path}: unreadable record: no {error} in it; evaluate again") from error
        except (AttributeError, TypeError, ValueError) as error:
            raise ScriptError(f"{entry.path}: unreadable record: {single_line(error)}; evaluate again") from error

    def read_samples(self, entry: RecordEntry) -> dict[str, list[dict[str, Any]]]:
        """The rows of the samples file beside a record, by the result that they belong to."""
        path = entry.path.with_name(f"{entry.path.stem}_samples.jsonl")
        details = entry.record.get("detailed_evaluation_results")
        if not path.is_file():
            if details:
                note(f"note: {path} is missing: {entry.path.name} is read without its items")
            return {}
        rows = read_rows(path, details if isinstance(details, dict) else {})
        found: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for line, row in enumerate(rows, start=1):
            if row.get("evaluation_id") != entry.record.get("evaluation_id"):
                raise ScriptError(f"{path}: line {line} belongs to another record ({row.get('evaluation_id')})")
            found[str(row.get("evaluation_result_id") or row["evaluation_name"])].append(row)
        return found

    def read_run(self, entry: RecordEntry, row: Mapping[str, Any], samples: Mapping[str, list[dict[str, Any]]]) -> Run:
        """One of a record's results; any error of looking things up means that it is damaged."""
        record, metric, details = entry.record, row["metric_config"], row["score_details"]
        library, task = record.get("eval_library") or {}, str(row["evaluation_name"])
        key, subtask = self.vocabulary.task_key(task, str(library.get("name", "")))
        mapped = self.vocabulary.entries.get(key, {})
        result_id = single_line(row.get("evaluation_result_id") or f"{task}/{metric.get('metric_id')}")
        unit, low, high = unit_and_range(metric, mapped)
        score = details["score"]
        if not is_number(score) or not low <= score <= high:
            raise ValueError(f"the score of {result_id} is {score!r}, not a number of {low:g} to {high:g}")
        scale = 0.01 if unit == "percent" else 1.0
        generation = row.get("generation_config") or {}
        extra = generation.get("additional_details") or {}
        shots = re.search(r"\|(\d{1,4})/", result_id) or re.fullmatch(r"(\d{1,4})", str(extra.get("few_shot", "")))
        aggregation = str((metric.get("additional_details") or {}).get("aggregation") or "")
        rows = samples.get(row.get("evaluation_result_id") or "", samples.get(task, []))
        repeats, errors = self.read_answers(rows, f"{entry.path}: {result_id}")
        repeats, aggregation = scaled_answers(repeats, score, scale, aggregation, f"{entry.path}: {result_id}")
        uncertainty = details.get("uncertainty") or {}
        count = uncertainty.get("num_samples")
        name = single_line(metric.get("metric_id") or metric.get("metric_name") or "score")
        error = read_error(uncertainty, result_id)
        run = Run(
            key=key,
            subtask=subtask,
            metric=name,
            result_id=result_id,
            shots=shots[1] if shots else "",
            score=score * scale,
            standard_error=None if error is None else error * scale,
            n=int(count) if is_number(count) and count == int(count) >= 0 else None,
            unit="proportion" if unit == "percent" else unit,
            span=(high - low) * scale if math.isfinite(high - low) else None,
            lower_is_better=bool(metric.get("lower_is_better")),
            aggregation=aggregation,
            settings=decisive_settings(record, row, shots[1] if shots else None),
            remarks={k: str(v) for k, v in extra.items() if k not in DECISIVE and k not in UNIMPORTANT},
            temperature=(generation.get("generation_args") or {}).get("temperature"),
            seed=None if extra.get("seed") is None else str(extra["seed"]),
            counts=read_counts(details.get("details") or {}),
            harness=(single_line(library.get("name") or "unknown"), single_line(library.get("version") or "")),
            date=record_date(record),
            hardware=single_line(", ".join(str(extra[k]) for k in ("hardware", "gpu", "device") if extra.get(k))),
            measured=(record.get("source_metadata") or {}).get("source_type") != "documentation",
            file=entry.path.as_posix(),
            repeats=repeats,
            errors=errors,
        )
        return replace(run, chance=chance_of(run, mapped, rows))

    def read_answers(
        self, rows: Sequence[Mapping[str, Any]], where: str
    ) -> tuple[tuple[dict[str, Answer], ...], frozenset[str]]:
        """The items of a result, once for each time that they were asked, and the ids that could not be scored."""
        repeats: list[dict[str, Answer]] = []
        counts: Counter[str] = Counter()
        errors: set[str] = set()
        for row in rows:
            name = str(row["sample_id"])
            index = counts[name]
            counts[name] += 1
            if index == len(repeats):
                repeats.append({})
            if row.get("error"):
                errors.add(name)
                continue
            metadata = row.get("metadata") or {}
            score = row["evaluation"]["score"]
            if not is_number(score):
                raise ScriptError(f"{where}: the score of item {name} is {score!r}, not a number")
            digest, prompt = row.get("sample_hash"), metadata.get("prompt_hash")
            repeats[index][name] = Answer(float(score), digest, prompt, self.group_of(metadata))
        if len(repeats) > 1 and not all(
            any(field in (r.get("metadata") or {}) for field in REPEAT_FIELDS) for r in rows
        ):
            twice = next(name for name, count in counts.items() if count > 1)
            raise ScriptError(
                f"{where}: item {twice} occurs {counts[twice]} times, and no metadata "
                f"({', '.join(REPEAT_FIELDS)}) tells repeats apart; evaluate again"
            )
        if len(set(counts.values())) > 1:
            raise ScriptError(f"{where}: not every item was repeated as often as the others; evaluate again")
        return tuple(repeats), frozenset(errors)

    def group_of(self, metadata: Mapping[str, Any]) -> str | None:
        """What an item shares with others."""
        self.fields |= set(metadata)
        for name in (self.cluster_by,) if self.cluster_by else CLUSTER_FIELDS:
            if metadata.get(name) not in (None, ""):
                self.clustered = True
                return str(metadata[name])
        return None

    def check_clusters(self) -> None:
        """ScriptError when --cluster-by names a field that no item has."""
        if self.cluster_by and not self.clustered:
            have = sorted(self.fields)
            hint = nearest(self.cluster_by, have) or f"; they have: {listing(have, 20) or 'no metadata'}"
            raise ScriptError(f"--cluster-by: no item has {self.cluster_by!r} in its metadata{hint}")


def read_rows(path: Path, details: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The lines of a samples file; ScriptError when it is not the one that the record was written with."""
    content = input_bytes(path, MAX_SAMPLES)
    checksum = details.get("checksum")
    if checksum and details.get("hash_algorithm") == "sha256" and hashlib.sha256(content).hexdigest() != checksum:
        raise ScriptError(f"{path}: not the file that its record was written with (checksum); evaluate again")
    rows = []
    for number_of_line, line in enumerate(stored_lines(path, content), start=1):
        if not line.strip():
            continue
        try:
            row = strict_json_line(line)
        except ValueError as error:
            raise ScriptError(
                f"{path}: line {number_of_line} is not valid JSON: {single_line(error)[:200]}; evaluate again"
            ) from error
        if not isinstance(row, dict):
            raise ScriptError(f"{path}: line {number_of_line} is no object; evaluate again")
        rows.append(row)
    if is_number(details.get("total_rows")) and details["total_rows"] != len(rows):
        raise ScriptError(f"{path}: {len(rows)} lines, its record says {details['total_rows']}; evaluate again")
    return rows


def scaled_answers(
    repeats: Sequence[Mapping[str, Answer]], score: float, scale: float, aggregation: str, where: str
) -> tuple[tuple[dict[str, Answer], ...], str]:
    """The answers on the scale of the score (percent as proportions), and whether the score is their mean.

    ScriptError when the record says "mean" and the items say another. A record that says nothing is believed to be
    corpus-level where its score is not the mean.
    """
    values = [answer.score for repeat in repeats for answer in repeat.values()]
    if not values:
        return (), aggregation or "mean"
    if aggregation not in ("", "mean"):
        return tuple(map(dict, repeats)), aggregation
    mean = math.fsum(values) / len(values)
    factor = next(
        (f for f in (scale, 1.0) if abs(mean * f - score * scale) <= ROUNDED * max(1.0, abs(score * scale))), 0
    )
    if factor and factor != 1.0:
        return tuple({n: replace(a, score=a.score * factor) for n, a in r.items()} for r in repeats), "mean"
    if not factor and aggregation == "mean":
        raise ScriptError(f"{where}: the record says {score}, its items have the mean {mean}; evaluate again")
    return tuple(map(dict, repeats)), "mean" if factor else "not the mean of its items"


def read_error(uncertainty: Mapping[str, Any], result_id: str) -> float | None:
    """A score's standard error: as recorded, else from its confidence interval."""
    error = (uncertainty.get("standard_error") or {}).get("value")
    if error is not None:
        if not (is_number(error) and error >= 0):
            raise ValueError(f"the standard error of {result_id} is {error!r}, not a positive number")
        return float(error)
    interval = uncertainty.get("confidence_interval") or {}
    low, high, level = interval.get("lower"), interval.get("upper"), interval.get("confidence_level", 0.95)
    if is_number(low) and is_number(high) and low <= high and is_number(level) and 0 < level < 1:
        return interval_from_bounds(low, high, level)
    return None


def read_counts(details: Mapping[str, Any]) -> dict[str, int]:
    """The counts of empty, truncated, ... answers that a record has."""
    return {what: int(details[what]) for what in COUNTED if str(details.get(what, "")).isdecimal()}


def record_date(record: Mapping[str, Any]) -> str:
    """The day of the measurement (UTC), or nothing."""
    stamp = str(record.get("evaluation_timestamp") or record.get("retrieved_timestamp") or "")
    if re.fullmatch(r"\d{1,11}(?:\.\d+)?", stamp):
        return datetime.datetime.fromtimestamp(float(stamp), datetime.UTC).strftime("%Y-%m-%d")
    return stamp[:10] if re.match(r"\d{4}-\d\d-\d\d", stamp) else ""


def decisive_settings(record: Mapping[str, Any], row: Mapping[str, Any], shots: str | None) -> dict[str, str]:
    """What must be alike on both sides, by the words for people; what a record does not say is left out."""
    library, generation = record.get("eval_library") or {}, row.get("generation_config") or {}
    engine = (record.get("model_info") or {}).get("inference_engine") or {}
    extra = generation.get("additional_details") or {}
    found: dict[str, Any] = {
        "harness": f"{library.get('name')} {library.get('version')}" if library.get("name") else None,
        "engine": f"{engine.get('name')} {engine.get('version') or ''}".strip() if engine.get("name") else None,
    }
    found |= {
        words: extra[name] for name, words in DECISIVE.items() if extra.get(name) is not None and name != "backend"
    }
    found |= {"backend": extra.get("backend")}
    if shots is not None:
        found["few-shot count"] = shots
    arguments = generation.get("generation_args") or {}
    found |= {name: value for name, value in arguments.items() if name not in UNIMPORTANT}
    source = row.get("source_data") or {}
    details = source.get("additional_details") or {}
    found["data set"] = source.get("hf_repo") or source.get("dataset_name")
    found["split"] = source.get("hf_split") or details.get("split")
    found["data set's revision"] = details.get("revision") or details.get("data_sha256")
    task = library.get("additional_details") or {}
    found["task version"], found["task file"] = task.get("task_version"), task.get("custom_tasks_sha256")
    return {
        name: value if isinstance(value, str) else json.dumps(value, sort_keys=True)
        for name, value in found.items()
        if value not in (None, "")
    }


def chance_of(run: Run, mapped: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> float | None:
    """The score of guessing: metric_mapping.json's, else one in so many as the items have choices."""
    if run.unit != "proportion" or run.lower_is_better or run.aggregation != "mean":
        return None
    if mapped.get("chance") is not None and normalize_name(run.metric) == normalize_name(str(mapped.get("metric"))):
        return float(mapped["chance"])
    counts = [len((row.get("input") or {}).get("choices") or ()) for row in rows]
    if not counts or min(counts) < 2 or normalize_name(run.metric) not in CHOICE_METRICS:
        return None
    return math.fsum(1 / count for count in counts) / len(counts)
