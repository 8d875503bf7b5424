"""Which result of a record may be published, of which task, metric and run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from parts.foreign import iso_time, web_url
from parts.frame import ScriptError, is_number, listing, natural_key, nearest, single_line
from parts.metadata.entries import Entry, RecordResult
from parts.vocabulary import bare_task, library_field, metric_type, normalize_name


@dataclass(frozen=True, slots=True)
class TaskNames:
    """metric_mapping.json by folded name: the general names, and each harness's own."""

    mapping: Mapping[str, Any]
    tables: dict[str, dict[str, str]] = field(default_factory=dict)

    def table(self, harness: str = "") -> dict[str, str]:
        """Folded name -> key; of a harness, or of key, display name and aliases."""
        if harness not in self.tables:
            names = self.tables[harness] = {}
            for key, entry in self.mapping.items():
                spellings = [entry.get(harness)] if harness else [key, entry.get("name"), *(entry.get("aliases") or [])]
                names |= {
                    normalize_name(s.removeprefix("inspect_evals/")): key for s in spellings if isinstance(s, str)
                }
        return self.tables[harness]

    def key(self, task: str, library: str) -> tuple[str | None, str]:
        """(canonical key or None, the part that was measured): "leaderboard|mmlu:anatomy|5" -> ("mmlu", "anatomy").

        The whole name goes before a cut one, the harness's own spelling before the general one; what is left of a cut
        name is no category.
        """
        own, general = self.table(library_field(library)), self.table()
        name = bare_task(task)
        for end in (len(name), *(m.start() for m in reversed(list(re.finditer("[:,]", name))))):
            for spelling in (name[:end], name[:end].rsplit("/", 1)[-1]):
                key = own.get(normalize_name(spelling)) or general.get(normalize_name(spelling))
                if key and (end == len(name) or self.mapping[key].get("kind") != "category"):
                    return key, "" if name[end + 1 :] == "_average" else name[end + 1 :]
        return None, ""


def is_main_metric(metric: Mapping[str, Any], known: Mapping[str, Any]) -> bool:
    """Whether a record's metric is the one that metric_mapping.json names for the benchmark."""

    def fold(name: Any) -> str:
        return normalize_name(metric_type(name) or "") if isinstance(name, str) else ""

    wanted = {fold(known.get("metric")), fold((known.get("model_index") or {}).get("metric_type"))} - {""}
    return bool(wanted & {fold(metric.get("metric_id")), fold(metric.get("metric_name"))})


def checked_score(metric: Mapping[str, Any], details: Mapping[str, Any]) -> tuple[float, str]:
    """A result's score as measured and its unit; ValueError when it is not finite, has no unit or is off limits."""
    value, unit = details["score"], single_line(metric.get("metric_unit") or "")
    if not is_number(value):
        raise ValueError(f"the score is {value!r}, not a finite number")
    if not unit:
        raise ValueError("the score has no metric_unit (proportion, percent, points, ...)")
    top = None if metric.get("lower_is_better") else {"proportion": 1, "percent": 100}.get(unit)
    low, high = (metric[name] if is_number(metric.get(name)) else None for name in ("min_score", "max_score"))
    low = 0 if low is None and unit in ("proportion", "percent") else low
    high = top if high is None else high
    if (low is not None and value < low) or (high is not None and value > high):
        raise ValueError(f"the score {value} is outside its range, {low} to {high}")
    return value, unit


def record_dataset(source: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """What a record says of its data: type, name, config, split and revision, as model-index names them."""
    more = source.get("additional_details") or {}
    name = single_line(source.get("dataset_name") or "")
    said = {"type": re.sub(r"\W+", "-", name.lower()).strip("-"), "name": name}
    if source.get("source_type") == "url":  # where a number was read; which data it is about is not said
        del said["type"]
    if source.get("hf_repo"):
        said["type"] = str(source["hf_repo"])
        said |= {"config": more.get("subset"), "split": source.get("hf_split"), "revision": more.get("revision")}
    return tuple((key, single_line(value)) for key, value in said.items() if value)


def record_source(record: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """(name, URL) of who says so: the harness with its version, or what a documentation record names."""
    source, library = record.get("source_metadata") or {}, record.get("eval_library") or {}
    url = (source.get("additional_details") or {}).get("source_url") or source.get("source_organization_url")
    parts = [part for part in (library.get("name"), library.get("version")) if part and part != "unknown"]
    if source.get("source_type") == "documentation" or not parts:
        parts = [source.get("source_name") or source.get("source_organization_name") or ""]
    return single_line(" ".join(map(str, parts))) or None, web_url(url)


def record_shots(result_id: str, details: Mapping[str, Any]) -> str | None:
    """ "gsm8k|5/em" -> "5-shot"; else what the settings say."""
    found = re.search(r"\|(\d{1,4})/", result_id) or re.fullmatch(r"(\d{1,4})", str(details.get("few_shot", "")))
    return single_line(details.get("shots") or "") or (f"{int(found[1])}-shot" if found else None)


def record_result(path: Path, record: Mapping[str, Any], row: Mapping[str, Any], names: TaskNames) -> RecordResult:
    """One result of a record; any error of looking things up means that the record is damaged."""
    metric, name = row["metric_config"], row["evaluation_name"]
    if not isinstance(name, str) or not single_line(name):
        raise ValueError(f"evaluation_name is {name!r}, not a name")
    name = single_line(name)
    generation = row.get("generation_config") or {}
    details = generation.get("additional_details") or {}
    value, unit = checked_score(metric, row["score_details"])
    key, part = names.key(name, str((record.get("eval_library") or {}).get("name", "")))
    known = names.mapping.get(key or "") or {}
    word = single_line(metric.get("metric_id") or metric.get("metric_name") or "") or None
    result_id = single_line(row.get("evaluation_result_id") or f"{name}/{word or 'score'}")
    source_name, source_url = record_source(record)
    entry = Entry(
        benchmark=bare_task(name) or name,
        value=value,
        origin=record_place(path),
        key=None if part else key,  # a part of a benchmark is not the benchmark
        unit=None if unit == "unknown" else unit,
        metric=word,
        shots=record_shots(result_id, details),
        variant=single_line(details.get("variant") or "") or None,
        task_type=(known.get("model_index") or {}).get("task_type"),
        dataset=record_dataset(row.get("source_data") or {}),
        source_name=source_name,
        source_url=source_url,
        date=iso_time(row.get("evaluation_timestamp") or record.get("evaluation_timestamp")),
    )
    limit = single_line(details.get("limit") or "")
    shaping = {k: v for k, v in details.items() if k not in ("batch_size", "device", "limit")}  # decide no score
    return RecordResult(
        entry,
        path,
        name,
        result_id,
        parent=key if part else None,
        main=is_main_metric(metric, known),
        limit=limit if limit not in ("", "None", "null") else None,
        settings=json.dumps({**generation, "additional_details": shaping}, sort_keys=True),
        weights=str((record["model_info"].get("additional_details") or {}).get("weights_sha256") or ""),
    )


def record_place(path: Path) -> str:
    """Where a record is, without the folders of this machine: data/collection/developer/model/file, else its name."""
    parts = path.parts[-5:] if path.parts[-5:-4] == ("data",) else path.parts[-1:]
    return single_line("/".join(parts))


def record_model(record: Mapping[str, Any]) -> str:
    """The id of the model that a record or a failure entry is about; empty when it says none."""
    info = record.get("model_info")
    found = info.get("id") if isinstance(info, dict) else record.get("model_id")
    return found if isinstance(found, str) else ""


def choose_record_model(ids: Iterable[str], model_id: str | None, repo_id: str) -> str:
    """Whose records are meant: --model-id, else the repo's own, else the only ones; ScriptError 1 or 3 with the ids."""
    ids = sorted(set(ids), key=natural_key)
    if model_id not in ids and len(named := [name for name in ids if name.rpartition("/")[2] == model_id]) == 1:
        return named[0]
    if model_id is not None and model_id not in ids:
        raise ScriptError(f"no record of {model_id!r}; the records are about {listing(ids, 20)}", code=1)
    if model_id is None and repo_id not in ids and len(ids) > 1:
        raise ScriptError(f"records of several models; choose one with --model-id: {listing(ids, 20)}", code=3)
    return model_id or (repo_id if repo_id in ids else ids[0])


def choose_benchmarks(
    rows: Sequence[RecordResult], wanted: Sequence[str], names: TaskNames
) -> tuple[list[RecordResult], set[str]]:
    """The results of the wanted benchmarks (key, alias, a record's own name, a result id), and the ids so named."""
    chosen: list[RecordResult] = []
    ids = {row.result_id for row in rows} & set(wanted)
    for text in wanted:
        folded = normalize_name(text)
        key = names.table().get(folded)
        own = [
            row
            for row in rows
            if row.result_id == text
            or folded in (normalize_name(row.name), normalize_name(row.entry.benchmark))
            or (key and key in (row.entry.key, row.parent))
        ]
        have = sorted({row.entry.key or row.entry.benchmark for row in rows})
        if not own and key:
            raise ScriptError(f"no result of {single_line(text)} in these records; there are: {listing(have, 20)}", 1)
        if not own:
            near = nearest(text, dict.fromkeys([*have, *names.mapping])) or f"; there are: {listing(have, 20)}"
            raise ScriptError(f"--benchmark: {single_line(text)!r} is not known{near}")
        chosen += [row for row in own if row not in chosen]
    return (chosen if wanted else list(rows)), ids


def choose_metrics(
    rows: Sequence[RecordResult], ids: set[str], names: TaskNames
) -> tuple[list[RecordResult], list[str]]:
    """Of each record's metrics of one benchmark the main one, or the only one, or the one named by its result id."""
    groups: dict[tuple[Any, ...], list[RecordResult]] = {}
    for row in rows:
        groups.setdefault((row.path, row.name, row.entry.shots, row.entry.variant), []).append(row)
    chosen, left, notes = [], [], []
    for group in groups.values():
        named = [row for row in group if row.main or row.result_id in ids]
        if not named and len({row.entry.metric for row in group}) > 1:
            options = listing(sorted({row.result_id for row in group}), 20)
            raise ScriptError(f"{group[0].path}: several metrics; choose with --benchmark, by result id: {options}", 3)
        chosen += named or group
        left += [row.result_id for row in group if named and row not in named]
        known = names.mapping.get(group[0].entry.key or group[0].parent or "") or {}
        if not named and known.get("kind") == "benchmark":  # a category has no metric of its own
            notes.append(f"{group[0].entry.benchmark}: {group[0].entry.metric} is not the benchmark's main metric")
    notes += [f"left out, not the main metric: {listing(left)}"] if left else []
    wholes = {row.entry.key for row in chosen if row.entry.key}
    parts = [row for row in chosen if row.parent in wholes and row.result_id not in ids]
    notes += [f"left out, parts of a whole that is there: {listing(row.name for row in parts)}"] if parts else []
    return [row for row in chosen if row not in parts], notes


def choose_runs(rows: Sequence[RecordResult], allow_partial: bool) -> tuple[list[RecordResult], list[str]]:
    """One result for each benchmark and settings: a full run before a partial one; unlike values are ScriptError 3."""
    groups: dict[tuple[Any, ...], list[RecordResult]] = {}
    for row in rows:
        groups.setdefault(row.place, []).append(row)
    chosen, notes = [], []
    for group in groups.values():
        full = [row for row in group if row.limit is None]
        first = (full or group)[0]
        name = f"{first.entry.benchmark} ({first.entry.metric})"
        if not full and not allow_partial:
            raise ScriptError(
                f"{first.path}: {name} is a partial run (limit {first.limit}), a smoke test and no score; evaluate it "
                "in full, or say --allow-partial"
            )
        notes += [f"partial run, limit {first.limit}: {name}, {first.entry.origin}"] if not full else []
        notes += [f"left out, partial: {row.entry.origin}" for row in group if full and row.limit is not None]
        for other in (full or group)[1:]:
            if other.entry.value != first.entry.value or other.entry.unit != first.entry.unit:
                how = "for the same settings" if other.settings == first.settings else "with different settings"
                raise ScriptError(
                    f"{name}: {first.entry.value} in {first.path} and {other.entry.value} in {other.path}, {how}; "
                    "remove the wrong record, or give the file of one run with --results",
                    code=3,
                )
            notes.append(f"the same result once more: {other.entry.origin}")
        chosen.append(first)
    return chosen, notes


def check_one_model(rows: Sequence[RecordResult]) -> None:
    """ScriptError(code=3) when records of one model id are about different weights."""
    first = next((row for row in rows if row.weights), None)
    other = next((row for row in rows if first and row.weights and row.weights != first.weights), None)
    if first and other:
        raise ScriptError(
            f"results of different weights under one model id: {first.path} and {other.path}; give the records of one "
            "with --results",
            code=3,
        )
