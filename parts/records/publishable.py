"""Which result of a record may be published, of which task, metric and run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from parts.foreign import iso_time, mapping_of, web_url
from parts.frame import ScriptError, listing, nearest, option_words, single_line
from parts.metadata.entries import OWN_FILES, Entry
from parts.metadata.official import shipped_list
from parts.records.groups import whole_runs
from parts.records.identity import Identity, identity_of, model_names
from parts.records.repeats import merged_repeats
from parts.records.run import NOBODY, Run, setting_differences
from parts.records.settings import difference_lines
from parts.vocabulary import (
    WITH_TOOLS,
    MetricMapping,
    bare_task,
    is_named_after,
    metric_type,
    normalize_name,
    other_data,
    stated_unit,
)

TOOLS = "With tools"  # as the community notes it


@dataclass(frozen=True, slots=True)
class RecordResult:
    """One result of a record: what would be published, and what decides whether it is."""

    entry: Entry
    run: Run
    parent: str | None  # canonical key of the benchmark that this is a part of ("mmlu" of "mmlu:anatomy")
    main: bool  # whether it is the benchmark's main metric by metric_mapping.json

    @property
    def place(self) -> tuple[Any, ...]:
        """What two results of the same thing share."""
        e = self.entry
        return (e.key or normalize_name(self.run.name), e.metric, e.shots, e.variant, e.dataset, e.source_name)


@dataclass(frozen=True, slots=True)
class Allowed:
    """What the user has allowed to be published: results of a part of the items, results that the gate refuses."""

    partial: bool = False
    invalid: bool = False
    latest: bool = False  # of a model measured at several times, the last
    metrics: bool = False  # all metrics of a benchmark


def is_main_metric(metric: Mapping[str, Any], known: Mapping[str, Any]) -> bool:
    """Whether a record's metric is the one that metric_mapping.json names for the benchmark."""

    def fold(name: Any) -> str:
        return normalize_name(metric_type(name) or "") if isinstance(name, str) else ""

    if known.get("own") and known.get("metric") is None:
        return True  # nothing is said of its metric: the record's is the one
    wanted = {fold(known.get("metric")), fold((known.get("model_index") or {}).get("metric_type"))} - {""}
    return bool(wanted & {fold(metric.get("metric_id")), fold(metric.get("metric_name"))})


def on_own_files(source: Mapping[str, Any]) -> bool:
    """Whether a result was measured on files of whoever measured, as its `source_data` says: no data set of the Hub."""
    details = source.get("additional_details")
    return source.get("source_type") == "other" and isinstance(details, Mapping) and bool(details.get("path"))


def record_dataset(source: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """What a record says of its data: type, name, config, split and revision, as model-index names them."""
    more = source.get("additional_details") or {}
    name = single_line(source.get("dataset_name") or "")
    said = {"type": re.sub(r"\W+", "-", name.lower()).strip("-"), "name": name}
    if source.get("source_type") == "url":  # where a number was read; which data it is about is not said
        del said["type"]
    if on_own_files(source):
        said[OWN_FILES] = "true"
    if source.get("hf_repo"):
        said["type"] = str(source["hf_repo"])
        said |= {"config": more.get("subset"), "split": source.get("hf_split"), "revision": more.get("revision")}
    return tuple((key, single_line(value)) for key, value in said.items() if value)


def record_source(record: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """(name, URL) of who says so: the harness with its version, or what a documentation record names."""
    source, library = record.get("source_metadata") or {}, record.get("eval_library") or {}
    told = source.get("source_type") == "documentation"  # of a run only its own address is one, not its maker's
    url = (source.get("additional_details") or {}).get("source_url")
    url = url or (source.get("source_organization_url") if told else None)
    parts = [part for part in (library.get("name"), library.get("version")) if part and part != "unknown"]
    if told or not parts:
        parts = [source.get("source_name") or source.get("source_organization_name") or ""]
    return single_line(" ".join(map(str, parts))) or None, web_url(url)


def record_shots(run: Run, details: Mapping[str, Any]) -> str | None:
    """ "gsm8k|5/em" -> "5-shot"; else what the settings say; nothing where the prompts hold another number."""
    if run.other_examples:
        return None
    return single_line(details.get("shots") or "") or (f"{run.shots}-shot" if run.shots else None)


def record_result(
    run: Run, record: Mapping[str, Any], row: Mapping[str, Any], vocabulary: MetricMapping
) -> RecordResult:
    """One result of a record as it would be published, without a unit when neither it nor its bounds say one."""
    metric, path = row["metric_config"], Path(run.file)
    details = (row.get("generation_config") or {}).get("additional_details") or {}
    known = vocabulary.entries.get(run.key) or {}
    whole = run.known and not run.subtask  # a part of a benchmark is not the benchmark
    source_name, source_url = record_source(record)
    name, data = bare_task(run.name) or run.name, single_line((row.get("source_data") or {}).get("dataset_name") or "")
    if data and is_named_after(name):  # after its scorer: "choice"
        name = data
    entry = Entry(
        benchmark=name,
        value=run.written[0],
        origin=record_place(path),
        key=run.key if whole else None,
        unit=single_line(run.written[1]) if stated_unit(metric) and run.written[1] != "unknown" else None,
        metric=single_line(metric.get("metric_id") or metric.get("metric_name") or "") or None,
        shots=record_shots(run, details),
        variant=single_line(details.get("variant") or "") or used_variant(run, row, known),
        task_type=(known.get("model_index") or {}).get("task_type"),
        dataset=record_dataset(row.get("source_data") or {}),
        source_name=source_name,
        source_url=source_url,
        date=iso_time(row.get("evaluation_timestamp") or record.get("evaluation_timestamp")),
        samples=run.n,
        standard_error=None if run.standard_error is None else run.standard_error / run.scale,
        lower_is_better=run.lower_is_better if run.directed else None,
    )
    parent = run.key if run.known and run.subtask else None
    return RecordResult(entry, run, parent=parent, main=is_main_metric(metric, known))


def used_variant(run: Run, row: Mapping[str, Any], known: Mapping[str, Any]) -> str | None:
    """What makes a result another one than its benchmark's or its model's own: tools, a quantization."""
    quantized = run.identity.quantized
    told = [TOOLS] if used_tools(run.name, row, known) else []
    return ", ".join([*told, *([f"quantization {quantized}"] if quantized else [])]) or None


def used_tools(name: str, row: Mapping[str, Any], known: Mapping[str, Any]) -> bool:
    """Whether a result is another setting than its benchmark's: with tools, where that is an official one without.

    What an agent's own benchmark has tools for (SWE-bench) is no setting of it.
    """
    given = mapping_of(mapping_of(row.get("generation_config")).get("generation_args"))
    tools = mapping_of(given.get("agentic_eval_config")).get("available_tools")
    places = ((known.get("hub") or {}).get("dataset_id"), mapping_of(row.get("source_data")).get("hf_repo"))
    official = [found for place in places if place and (found := shipped_list().get(str(place)))]
    return bool(WITH_TOOLS.search(name) or (tools and official and not official[0].own_harness))


def record_place(path: Path) -> str:
    """Where a record is, without the folders of this machine: data/collection/developer/model/file, else its name."""
    parts = path.parts[-5:] if path.parts[-5:-4] == ("data",) else path.parts[-1:]
    return single_line("/".join(parts))


def record_model(record: Mapping[str, Any]) -> str:
    """The id of the model that a record or a failure entry is about; empty when it names none."""
    return record_identity(record).id


def record_identity(record: Mapping[str, Any]) -> Identity:
    """The model that a record or a failure entry is about; nobody when it names none."""
    try:
        return identity_of(record)
    except ValueError:
        return NOBODY


def choose_record_model(found: Iterable[Identity], model_id: str | None, repo_id: str) -> list[Identity]:
    """Whose records are meant: --model-id, else the repo's own, else the only ones; several are one model's commits.

    ScriptError 1 or 3 with names.
    """
    models = list({identity.key: identity for identity in found}.values())
    names = listing(model_names(models), 20)
    if model_id is not None:
        meant = [identity for identity in models if identity.answers_to(model_id)]
        if not meant:
            raise ScriptError(f"no record of {model_id!r}; the records are about {names}", code=1)
    else:
        meant = [identity for identity in models if identity.answers_to(repo_id)] or models
    if model_id is None and len(meant) == 1 and meant[0].id == repo_id and not meant[0].answers_to(repo_id):
        raise ScriptError(
            f"the records are not about {repo_id} itself; is it meant? " + option_words("--model-id", meant[0].name),
            code=3,
        )
    if len({identity.any_commit.key for identity in meant}) > 1:
        raise ScriptError(
            f"records of several models; choose one with --model-id: {listing(model_names(meant), 20)}", code=3
        )
    return meant


def choose_benchmarks(
    rows: Sequence[RecordResult], wanted: Sequence[str], vocabulary: MetricMapping
) -> tuple[list[RecordResult], set[str]]:
    """The results of the wanted benchmarks (key, alias, a record's own name, a result id), and the ids so named."""
    chosen: list[RecordResult] = []
    ids = {row.run.result_id for row in rows} & set(wanted)
    for text in wanted:
        folded = normalize_name(text)
        key = vocabulary.names.get(folded)
        own = [
            row
            for row in rows
            if row.run.result_id == text
            or folded in (normalize_name(row.run.name), normalize_name(row.entry.benchmark))
            or (key and key in (row.entry.key, row.parent))
        ]
        have = sorted({row.entry.key or row.entry.benchmark for row in rows})
        if not own and key:
            raise ScriptError(f"no result of {single_line(text)} in these records; there are: {listing(have, 20)}", 1)
        if not own:
            near = nearest(text, dict.fromkeys([*have, *vocabulary.entries])) or f"; there are: {listing(have, 20)}"
            raise ScriptError(f"--benchmark: {single_line(text)!r} is not known{near}")
        chosen += [row for row in own if row not in chosen]
    return (chosen if wanted else list(rows)), ids


def choose_metrics(
    rows: Sequence[RecordResult], ids: set[str], vocabulary: MetricMapping, every: bool = False
) -> tuple[list[RecordResult], list[str]]:
    """Of each record's metrics of one benchmark the main one, or the only one, or the one named by its result id.

    `every`: all of them.
    """
    groups: dict[tuple[Any, ...], list[RecordResult]] = {}
    for row in rows:
        groups.setdefault((row.run.file, row.run.name, row.entry.shots, row.entry.variant), []).append(row)
    chosen, left, notes = [], [], []
    for group in groups.values():
        named = [row for row in group if every or row.main or row.run.result_id in ids]
        if not named and len({row.entry.metric for row in group}) > 1:
            options = listing(sorted({row.run.result_id for row in group}), 20)
            raise ScriptError(
                f"{group[0].run.file}: several metrics; choose with --benchmark, by result id: {options}", 3
            )
        chosen += named or group
        left += [row.run.result_id for row in group if named and row not in named]
        known = vocabulary.entries.get(group[0].entry.key or group[0].parent or "") or {}
        if (
            not named and group[0].entry.metric and known.get("kind") == "benchmark"
        ):  # a category has no metric of its own
            notes.append(f"{group[0].entry.benchmark}: {group[0].entry.metric} is not the benchmark's main metric")
    notes += [f"left out, not the main metric: {listing(left)}"] if left else []
    wholes = {row.entry.key for row in chosen if row.entry.key}
    parts = [row for row in chosen if row.parent in wholes and row.run.result_id not in ids]
    notes += [f"left out, parts of a whole that is there: {listing(row.run.name for row in parts)}"] if parts else []
    return [row for row in chosen if row not in parts], notes


def with_wholes(
    rows: Sequence[RecordResult], ids: set[str], vocabulary: MetricMapping
) -> tuple[list[RecordResult], list[str]]:
    """The results with each complete set of parts as its benchmark, unless a part is asked for by its result id."""
    if any(row.run.result_id in ids for row in rows):
        return list(rows), []
    wholes, used, notes = whole_runs([row.run for row in rows], vocabulary)
    gone = {id(run) for run in used}
    kept = [row for row in rows if id(row.run) not in gone]
    for run in wholes:
        parts = [row for row in rows if id(row.run) in gone and row.run.key == run.key]
        own = next(row for row in parts if (row.run.metric, row.run.file) == (run.metric, run.file))
        marks = {pair for row in parts for pair in row.entry.dataset if pair[0] == OWN_FILES}
        known = vocabulary.entries[run.key]
        types = [(row, dict(row.entry.dataset).get("type", "")) for row in parts]
        other = (row for row, repo in types if "/" in repo and other_data(known, repo))
        data = next(other, own).entry.dataset
        entry = replace(
            own.entry,
            benchmark=vocabulary.title(run.key),
            value=run.written[0],
            key=run.key,
            dataset=(*(pair for pair in data if pair[0] not in ("config", OWN_FILES)), *marks),
        )
        kept.append(RecordResult(entry, run, parent=None, main=is_main_metric({"metric_id": run.metric}, known)))
    return kept, notes


def with_repeats(rows: Sequence[RecordResult]) -> tuple[list[RecordResult], list[str]]:
    """The results with the repeats of one state as one result: their mean."""
    merged, notes = merged_repeats([row.run for row in rows])
    own = {row.run.file + row.run.result_id: row for row in reversed(rows)}
    kept = []
    for run in merged:
        row = own[run.file + run.result_id]
        error = None if run.standard_error is None else run.standard_error / run.scale
        entry = replace(row.entry, value=run.written[0], standard_error=error)
        kept.append(replace(row, entry=entry, run=run))
    return kept, notes


def choose_runs(rows: Sequence[RecordResult], allowed: Allowed) -> tuple[list[RecordResult], list[str]]:
    """One result for each benchmark and settings: a full run before a partial one; unlike values are ScriptError 3."""
    groups: dict[tuple[Any, ...], list[RecordResult]] = {}
    for row in rows:
        groups.setdefault(row.place, []).append(row)
    chosen, notes = [], []
    for group in groups.values():
        full = [row for row in group if not row.run.incomplete]
        first = (full or group)[0]
        part = first.run.incomplete
        name = f"{first.entry.benchmark} ({first.entry.metric})"
        if not full and not allowed.partial:
            raise ScriptError(
                f"{first.run.file}: {name} is a partial run ({part}), a smoke test and no score; evaluate "
                "it in full, or say --allow-partial"
            )
        notes += [f"partial run, {part}: {name}, {first.entry.origin}"] if not full else []
        notes += [f"left out, partial: {row.entry.origin}" for row in group if full and row.run.incomplete]
        for other in (full or group)[1:]:
            if other.entry.value != first.entry.value or other.entry.unit != first.entry.unit:
                lines = difference_lines(setting_differences(first.run, other.run))
                how = f"with different settings ({'; '.join(lines[:3])})" if lines else "for the same settings"
                raise ScriptError(
                    f"{name}: {first.entry.value} in {first.run.file} and {other.entry.value} in {other.run.file}, "
                    f"{how}; remove the wrong record, or give the file of one run with --results",
                    code=3,
                )
            notes.append(f"the same result once more: {other.entry.origin}")
        chosen.append(first)
        notes += validity_notes(first, name, allowed)
    return chosen, notes


def validity_notes(row: RecordResult, name: str, allowed: Allowed) -> list[str]:
    """What is to be said of a result that is published; ScriptError(code=1) when the gate says no."""
    validity = row.run.validity
    if validity.reasons and not allowed.invalid:
        raise ScriptError(
            f"{row.run.file}: {name} is not published: {'; '.join(validity.reasons)}; evaluate it again, leave it out "
            "with --benchmark, or publish it all the same with --allow-invalid",
            code=1,
        )
    return [f"{name}: {text}" for text in (*validity.reasons, *validity.remarks) if not text.startswith("partial")]
