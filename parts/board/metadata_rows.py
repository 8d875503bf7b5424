"""Rows from .eval_results and model-index."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

from parts.board.vocabulary import (
    COLUMNS,
    MAX_ENTRIES,
    SHOTS_IN_NAME,
    Benchmarks,
    BoardRow,
    ModelReading,
    Provenance,
    Unreadable,
    ranks,
)
from parts.foreign import iso_time, kept_count, kept_url, mapping_in, said_number
from parts.frame import is_number, kept_text, shorten
from parts.metadata.identity import RESCALED, RESCALED_BY
from parts.records.files import CLOCKS_APART, moment_in
from parts.vocabulary import WITH_TOOLS

OF_RATERS = "how far raters agree is no score of a model"
USED_TOOLS = "with tools: another setting than the benchmark's"
ADDED_VALUE = re.compile(r"^\+.*?\bvalue:\s*[\"']?([-+]?[\d.]+(?:[eE][-+]?\d+)?)", re.M)


def new_row(model: str, place: Provenance, source_format: str, **known: Any) -> BoardRow:
    """A row with every column, null where nothing is known."""
    row = dict.fromkeys(COLUMNS)
    row.update(
        model=model,
        source_type=place.source_type,
        source_url=place.url,
        source_format=source_format,
        contributor=place.contributor,
        pull_request=place.pull_request,
        revision=place.revision,
        date=place.date,
        shown=False,
    )
    row.update(known)
    return row


def read_value(value: object) -> tuple[float, str | None, str | None]:
    """(number, unit when the text says it, note) of a metric's value; Unreadable when it is no finite number."""
    if text := said_number(value):
        number = float(text)
        said = "percent" if "%" in value else None
        written = f"written as {shorten(value)}"
    else:
        number, said, written = value, None, None
    if isinstance(number, bool) or not is_number(number):
        raise Unreadable(f"the value is {shorten(value)}, not a finite number")
    return float(number), said, written


def eval_results_row(model: str, data: object, place: Provenance, verified: bool, benchmarks: Benchmarks) -> BoardRow:
    """The row of one entry of .eval_results, in the form of the Hub's API or of the file."""
    dataset, source = mapping_in(data, "dataset"), mapping_in(data, "source")
    dataset_id, task = kept_text(dataset.get("id")), kept_text(dataset.get("task_id"))
    if dataset_id is None or task is None:
        raise Unreadable("no dataset.id or no dataset.task_id")
    value, unit, written = read_value(data.get("value"))
    moment = moment_in(data.get("date"))
    if moment is not None and moment > time.time() + CLOCKS_APART:
        raise Unreadable(f"its date, {shorten(data['date'])}, is in the future")
    key = benchmarks.of_task(dataset_id, task)
    notes = kept_text(data.get("notes"))
    url, dropped = source_link(source.get("url"))
    row = new_row(
        model,
        place,
        "eval_results",
        benchmark=key,
        benchmark_name=task.rpartition("/")[2],
        source_task=f"{dataset_id} {task}",
        value=value,
        unit=unit,
        unit_basis="stated" if unit else None,
        source_name=kept_text(source.get("name")) or kept_text(source.get("user")) or kept_text(source.get("org")),
        notes=join_notes(notes, written, dropped),
    )
    row["source_type"] = "verified" if verified else place.source_type
    row["source_url"] = url or place.url
    row["date"] = iso_time(data["date"]) if data.get("date") else place.date
    row["shots"] = shots_in(notes) if notes else None
    if notes and WITH_TOOLS.search(notes):
        row["why_not"] = USED_TOOLS
    return row


def source_link(value: object) -> tuple[str | None, str | None]:
    """(the URL, None), or (None, a note that it was dropped)."""
    if value in (None, ""):
        return None, None
    url = kept_url(value)
    return url, None if url else "the source's URL was dropped: not a plain http(s) address"


def join_notes(*texts: str | None) -> str | None:
    return kept_text("; ".join(text for text in texts if text)) or None


def shots_in(text: str) -> str | None:
    """ "MMLU (5-Shot)" -> "5-shot"."""
    match = SHOTS_IN_NAME.search(text)
    return f"{int(match[1])}-shot" if match else None


def model_index_rows(
    reading: ModelReading, index: object, place: Provenance, benchmarks: Benchmarks, where: str
) -> None:
    """Rows of a card's model-index; what is malformed goes to the reading's list, the rest is read."""
    if index is None:
        return
    if not isinstance(index, list):
        reading.cannot_read(where, f"model-index is {shorten(index)}, not a list")
        return
    for i, entry in enumerate(index):
        results = entry.get("results") if isinstance(entry, dict) else None
        if not isinstance(results, list):
            if not isinstance(entry, dict) or results is not None:
                reading.cannot_read(f"{where}[{i}].results", f"it is {shorten(results or entry)}, not a list")
            continue
        for j, result in enumerate(results[:MAX_ENTRIES]):
            path = f"{where}[{i}].results[{j}]"
            metrics = result.get("metrics") if isinstance(result, dict) else None
            if not isinstance(metrics, list) or not isinstance(result.get("dataset"), dict):
                reading.cannot_read(path, "it has no dataset, or no list of metrics")
                continue
            for k, metric in enumerate(metrics[:MAX_ENTRIES]):
                if len(reading.rows) >= MAX_ENTRIES:
                    reading.cannot_read(path, f"only the first {MAX_ENTRIES:,} scores of a model are read")
                    return
                try:
                    reading.rows.append(model_index_row(reading.model, result, metric, place, benchmarks))
                except Unreadable as error:
                    reading.cannot_read(f"{path}.metrics[{k}]", error)


def model_index_row(
    model: str, result: Mapping[str, Any], metric: object, place: Provenance, benchmarks: Benchmarks
) -> BoardRow:
    """The row of one metric of a model-index result."""
    if not isinstance(metric, dict):
        raise Unreadable(f"it is {shorten(metric)}, not a mapping")
    dataset, source = result["dataset"], mapping_in(result, "source")
    name, kind = kept_text(dataset.get("name")) or "", kept_text(dataset.get("type")) or ""
    if not name and not kind:
        raise Unreadable("the data set has no name and no type")
    value, unit, written = read_value(metric.get("value"))
    metric_name = kept_text(metric.get("type")) or kept_text(metric.get("name"))
    key, why_not = benchmarks.of_dataset(name, kind, kept_text(dataset.get("config")) or "")
    spoken = f"{name} {kept_text(metric.get('name')) or ''}"
    if key and not why_not and not ranks(metric_name, benchmarks.mapping[key]):
        why_not = f"{metric_name} is not the metric that {benchmarks.mapping[key]['name']} is ranked by"
    if key and not why_not and WITH_TOOLS.search(spoken):
        why_not = USED_TOOLS
    if key in RESCALED and not why_not and RESCALED_BY.search(str(source.get("url"))):
        why_not = "rescaled so that guessing is 0 (Open LLM Leaderboard), not an accuracy"
    if unit is None and re.search(r"%|\bpercent", f"{metric_name} {metric.get('name')}"):
        unit = "percent"
    url, dropped = source_link(source.get("url"))
    signed = "the card says verified; only the Hub's own mark counts" if metric.get("verified") is True else None
    return new_row(
        model,
        place,
        "model_index",
        benchmark=key,
        benchmark_name=name or kind,
        source_task=" ".join(
            filter(None, (name, kind, kept_text(dataset.get("config")), kept_text(dataset.get("split"))))
        ),
        value=value,
        unit=unit,
        unit_basis="stated" if unit else None,
        metric=metric_name,
        shots=index_shots(dataset, metric) or shots_in(spoken),
        source_name=kept_text(source.get("name")),
        source_url=url or place.url,
        notes=join_notes(written, signed, dropped),
        why_not=why_not,
    )


def index_shots(dataset: Mapping[str, Any], metric: Mapping[str, Any]) -> str | None:
    """num_few_shot of a data set's or metric's arguments."""
    for args in (mapping_in(dataset, "args"), mapping_in(metric, "args")):
        if (count := kept_count(args.get("num_few_shot"))) is not None and count < 1000:
            return f"{count}-shot"
    return None


def model_facts(info: Mapping[str, Any]) -> BoardRow:
    """What the Hub says about a model itself, for each of its rows."""
    card = mapping_in(info, "cardData")
    license_name = card.get("license_name") if card.get("license") == "other" else card.get("license")
    if isinstance(license_name, list):
        license_name = ", ".join(filter(None, map(kept_text, license_name[:5])))
    parameters = kept_count(mapping_in(info, "safetensors").get("total"))
    return {
        "parameters": parameters if parameters is not None else kept_count(mapping_in(info, "gguf").get("total")),
        "license": kept_text(license_name or card.get("license"), 80),
        "downloads": kept_count(info.get("downloads")),
        "likes": kept_count(info.get("likes")),
        "library": kept_text(info.get("library_name"), 80),
        "pipeline_tag": kept_text(info.get("pipeline_tag"), 80),
    }


def added_by(proposed: ModelReading, there: Sequence[BoardRow]) -> list[BoardRow]:
    """The rows of a pull request's revision that main has not: another place, or another value there."""

    def identity(row: BoardRow) -> tuple[Any, ...]:
        names = ("benchmark_name", "source_task", "metric", "value", "unit", "shots", "notes", "source_name")
        return tuple(row[name] for name in names)

    known = {identity(row) for row in there}
    return [row for row in proposed.rows if identity(row) not in known]


def added_values(diff: str) -> set[float]:
    """The numbers behind "value:" in the added lines of a diff."""
    found = set()
    for text in ADDED_VALUE.findall(diff):
        with contextlib.suppress(ValueError):
            found.add(float(text))
    return found
