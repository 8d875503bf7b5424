"""Records as entries to publish, and entries as records."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from parts.foreign import iso_time, path_part
from parts.frame import ScriptError, listing, single_line
from parts.metadata.entries import Entry
from parts.metric_directions import metric_direction
from parts.own_vocabulary import own_entries
from parts.publish.artificial_analysis import AA_NAME, AA_SITE
from parts.records.datastore import contributed_url
from parts.records.files import other_results, read_record, record_files
from parts.records.identity import Identity
from parts.records.publishable import (
    Allowed,
    RecordResult,
    choose_benchmarks,
    choose_metrics,
    choose_record_model,
    choose_runs,
    is_main_metric,
    record_identity,
    record_model,
    record_place,
    record_result,
    with_repeats,
    with_wholes,
)
from parts.records.reading import read_results
from parts.records.run import NoUnit
from parts.records.schema import RECORD_SCHEMA
from parts.records.states import one_state, runs_with_settings, split_selector
from parts.vocabulary import MetricMapping, metric_type, normalize_name, vocabulary_of

NOTHING_DOUBTFUL = Allowed()


def entries_records(
    entries: Sequence[Entry], repo_id: str, mapping: Mapping[str, Any], retrieved: datetime
) -> list[tuple[str, dict[str, Any]]]:
    """(path below the output folder, Every Eval Ever record) for each result read from a card or an API.

    The same result has the same path each time. What the source does not say is "unknown" where the schema wants a
    word, and absent elsewhere.
    """
    vocabulary = vocabulary_of(mapping)
    owner, _, model = repo_id.rpartition("/")
    records = {}
    for entry in entries:
        collection = path_part(entry.key or entry.benchmark)
        said = (entry.metric, entry.shots, entry.variant, entry.dataset, entry.unit, float(entry.value))
        told = json.dumps([repo_id, entry.source_name == AA_NAME, entry.key or normalize_name(entry.benchmark), *said])
        name = uuid.UUID(bytes=hashlib.sha256(told.encode()).digest()[:16], version=4)
        path = f"data/{collection}/{path_part(owner or 'unknown')}/{path_part(model)}/{name}.json"
        stamp = str(int(retrieved.timestamp()))
        record = {
            "schema_version": RECORD_SCHEMA,
            # Two settings of one benchmark are read in the same second: the name's start tells them apart.
            "evaluation_id": f"{collection}-{str(name)[:8]}/{repo_id}/{stamp}",
            **({"evaluation_timestamp": entry.date} if entry.date else {}),
            "retrieved_timestamp": stamp,
            "source_metadata": told_by(entry, owner),
            "model_info": {
                "name": model,
                "id": repo_id,
                "developer": owner or "unknown",
                "inference_engine": {"name": "unknown", "version": "unknown"},
                "additional_details": {"deployment_type": "unknown", "model_availability": "unknown"},
            },
            "eval_library": {"name": "unknown", "version": "unknown"},
            "evaluation_results": [told_result(entry, vocabulary)],
        }
        records.setdefault(path, record)
    return list(records.items())


def told_by(entry: Entry, owner: str) -> dict[str, Any]:
    """The `source_metadata` of a result: a card speaks for its model's owner, Artificial Analysis for itself."""
    third = entry.source_name == AA_NAME
    details = {"source_url": entry.source_url, "origin": entry.origin}
    home = (
        {"source_organization_url": AA_SITE if third else f"https://huggingface.co/{owner}"} if third or owner else {}
    )
    return {
        "source_name": entry.source_name or "unknown",
        "source_type": "documentation",
        "source_organization_name": AA_NAME if third else owner or "unknown",
        **home,
        "evaluator_relationship": "third_party" if third else "first_party",
        "additional_details": {key: value for key, value in details.items() if value},
    }


def told_result(entry: Entry, vocabulary: MetricMapping) -> dict[str, Any]:
    """The `evaluation_results` item of a result read from a card or an API."""
    known = vocabulary.entries.get(entry.key or "") or {}
    # The source's own name, unless readers would take it for another benchmark ("gpqa" of Artificial Analysis).
    task = (
        entry.benchmark if not known or vocabulary.find_task(entry.benchmark, "") == (entry.key, "") else known["name"]
    )
    shots = re.match(r"(\d{1,4})-shot", entry.shots or "")
    plain_shots = shots is not None and shots[0] == entry.shots
    details = {
        "few_shot": shots and shots[1],
        "shots": None if plain_shots else entry.shots,
        "variant": entry.variant,
    }
    metric: dict[str, Any] = {"metric_unit": entry.unit or "unknown"}
    if entry.metric:
        metric |= {"metric_id": metric_type(entry.metric) or entry.metric, "metric_name": entry.metric}
    if known and (not entry.metric or is_main_metric(metric, known)):
        metric["lower_is_better"] = known["lower_is_better"]
    else:
        lower = metric_direction(entry.metric or "")
        metric["lower_is_better"] = lower is True
        metric["additional_details"] = {"lower_is_better": "by the metric's name; the source does not say"}
        if lower is None:
            metric["additional_details"] = {"direction": "unknown"}
    result = {
        "evaluation_result_id": f"{task}{f'|{shots[1]}' if shots else ''}/{entry.metric or 'score'}",
        "evaluation_name": task,
        "source_data": told_data(entry, known),
        "metric_config": metric,
        "score_details": {"score": entry.value},
    }
    if details := {key: value for key, value in details.items() if value}:
        result["generation_config"] = {"additional_details": details}
    return result


def told_data(entry: Entry, known: Mapping[str, Any]) -> dict[str, Any]:
    """The `source_data` of a result: the Hub data set that the source names, else where the number was read."""
    said = dict(entry.dataset)
    name = said.get("name") or known.get("name") or entry.benchmark
    if re.fullmatch(r"[\w.-]+/[\w.-]+", said.get("type", "")):
        more = {"subset": said.get("config"), "revision": said.get("revision")}
        data = {
            "dataset_name": name,
            "source_type": "hf_dataset",
            "hf_repo": said["type"],
            "hf_split": said.get("split"),
        }
        data["additional_details"] = {key: value for key, value in more.items() if value}
        return {key: value for key, value in data.items() if value}
    if entry.source_url:
        return {"dataset_name": name, "source_type": "url", "url": [entry.source_url]}
    return {"dataset_name": name, "source_type": "other"}


def read_records(paths: Sequence[Path]) -> tuple[list[tuple[Path, dict[str, Any]]], list[str]]:
    """The records and failure entries in files and below folders, and why other JSON files are none."""
    folders = [path for path in paths if not path.is_file()]
    found, notes = [], []
    for path in dict.fromkeys([path for path in paths if path.is_file()] + record_files(folders)):
        try:
            record = read_record(path)
        except ScriptError as error:
            notes.append(single_line(f"left out: {error}"))
            continue
        if record is None or not (record_model(record) or record.get("failure")):
            why = "no record of Every Eval Ever" if record is None else "it names no model"
            notes.append(single_line(f"left out: {path}: {why}"))
        else:
            found.append((path, record))
    return found, notes


def read_entries(
    paths: Sequence[Path],
    model_id: str | None,
    repo_id: str,
    benchmarks: Sequence[str],
    mapping: Mapping[str, Any],
    allowed: Allowed = NOTHING_DOUBTFUL,
) -> tuple[list[Entry], list[str]]:
    """One model's results in records (files, or all below folders), as measured, and what else was found there.

    ScriptError: 1 nothing to publish, or the gate says no; 2 a damaged or partial result; 3 several models, metrics,
    runs or states of the model.
    """
    chosen, notes, unclear = read_rows(paths, model_id, repo_id, benchmarks, mapping, allowed)
    return record_entries(chosen), [*notes, *unclear]


def record_entries(rows: Sequence[RecordResult]) -> list[Entry]:
    """Results to publish; the source of one that was contributed to a data set is its place there."""
    return [
        dataclasses.replace(row.entry, source_url=row.entry.source_url or contributed_url(Path(row.run.file)))
        for row in rows
    ]


def read_rows(
    paths: Sequence[Path],
    model_id: str | None,
    repo_id: str,
    benchmarks: Sequence[str],
    mapping: Mapping[str, Any],
    allowed: Allowed,
) -> tuple[list[RecordResult], list[str], list[str]]:
    """The chosen results of one model with the runs behind them, notes, and what was left out for want of a unit.

    Errors as of `read_entries`.
    """
    found, notes = read_records(paths)
    good = [(path, record) for path, record in found if not record.get("failure")]
    if not good:
        hint = f" ({listing(notes, 2)})" if notes else ""
        other = next(filter(None, (other_results(path) for path in paths if path.is_dir())), "")
        hint = f"; {other}" if other else hint
        raise ScriptError(f"no evaluation record in {listing(map(str, paths))}{hint}", code=1)
    name, settings, date = split_selector(model_id) if model_id else ("", {}, None)
    exact = any(record_identity(record).answers_to(model_id) for _, record in good) if model_id else False
    name, settings, date = (model_id, {}, None) if exact else (name, settings, date)
    meant = choose_record_model((record_identity(record) for _, record in good), name or None, repo_id)
    model, keys = meant[0] if len(meant) == 1 else meant[0].any_commit, {identity.key for identity in meant}
    vocabulary = vocabulary_of(mapping)
    rows: list[RecordResult] = []
    unclear: list[str] = []
    for path, record in good:
        if record_identity(record).key in keys:
            try:
                rows += results_of(path, record, vocabulary)
            except NoUnit as error:
                if not benchmarks or names_benchmark(record, benchmarks, vocabulary):
                    unclear.append(single_line(f"left out: {error}; write metric_config.metric_unit into it"))
                continue
            if (when := record.get("evaluation_timestamp")) and not iso_time(when):
                notes.append(single_line(f"left out: the date of {record_place(path)}: {when} is not ISO 8601"))
    if unclear and not rows:
        raise ScriptError("\n".join(unclear), code=3)
    notes += failure_notes(found, model, {row.run.result_id.rpartition("/")[0] for row in rows})
    if repo_id and model.id != repo_id:
        notes.append(single_line(f"the records are about {model.name}, published as {repo_id}"))
    kept = {id(run) for run in runs_with_settings((row.run for row in rows), settings)}
    rows = [row for row in rows if id(row.run) in kept]
    try:
        chosen, ids = choose_benchmarks(rows, benchmarks, vocabulary)
    except ScriptError as error:
        raise ScriptError("\n".join([*unclear, str(error)]), code=3 if unclear else error.code) from error
    chosen, more = choose_metrics(chosen, ids, vocabulary, allowed.metrics)
    notes += more
    runs, more = one_state([row.run for row in chosen], name or model.name, "--model-id", allowed.latest, date)
    notes += more
    kept = {id(run) for run in runs}
    chosen, more = with_repeats([row for row in chosen if id(row.run) in kept])
    notes += more
    chosen, more = with_wholes(chosen, ids, vocabulary)
    notes += more
    chosen, more = choose_runs(chosen, allowed)
    if not chosen:
        raise ScriptError(f"the records of {single_line(model.name)} have no result", code=1)
    more += own_entries(mapping, (row.entry.key or row.parent for row in chosen))
    return chosen, notes + more, unclear


def names_benchmark(record: Mapping[str, Any], benchmarks: Sequence[str], vocabulary: MetricMapping) -> bool:
    """Whether a result of a record is of one of the benchmarks that the user names."""
    keys = {vocabulary.names.get(normalize_name(text), normalize_name(text)) for text in benchmarks}
    found = (vocabulary.find_task(str(row.get("evaluation_name")), "") for row in record["evaluation_results"])
    return any(place and place[0] in keys for place in found)


def results_of(path: Path, record: Mapping[str, Any], vocabulary: MetricMapping) -> list[RecordResult]:
    """A record's results; ScriptError with the file when one is damaged."""
    readings = read_results(path, record, vocabulary)
    try:
        return [record_result(reading.run, record, reading.row, vocabulary) for reading in readings]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ScriptError(f"{path}: unreadable record: {single_line(error)}; evaluate again, or remove it") from error


def failure_notes(found: Iterable[tuple[Path, Mapping[str, Any]]], model: Identity, measured: set[str]) -> list[str]:
    """What failed for a model and was not measured since."""
    return [
        single_line(f"failed: {record.get('task')}: {str(record.get('error'))[:200]} ({record_place(path)})")
        for path, record in found
        if record.get("failure") and record_model(record) in (model.id, "") and str(record.get("task")) not in measured
    ]
