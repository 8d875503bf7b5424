"""Rows from records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from parts.board.metadata_rows import new_row
from parts.board.vocabulary import Benchmarks, BoardRow, Provenance, ranks
from parts.foreign import iso_time, kept_count, kept_url
from parts.frame import ScriptError, kept_text
from parts.records.files import read_record, record_files
from parts.records.identity import Identity, identity_of
from parts.records.publishable import is_main_metric, record_place, record_shots
from parts.records.reading import ReadResult, read_results
from parts.vocabulary import bare_task


def record_rows(path: Path, record: Mapping[str, Any], benchmarks: Benchmarks) -> list[BoardRow]:
    """The rows of a local record; ScriptError when it is damaged."""
    source = record.get("source_metadata") or {}
    ours = source.get("source_type") == "evaluation_run"
    details = record["model_info"].get("additional_details") or {}
    library = record.get("eval_library") or {}
    place = Provenance(
        "own_run" if ours else "reported",
        kept_url((source.get("additional_details") or {}).get("source_url")) or "",
        kept_text(source.get("source_organization_name")) if not ours else None,
        kept_text(details.get("revision")),
        iso_time(record.get("evaluation_timestamp") or ""),
    )
    name = " ".join(str(library[part]) for part in ("name", "version") if library.get(part) not in (None, "unknown"))
    said_by = kept_text(name if ours else source.get("source_name"))
    readings = read_results(path, record, benchmarks.vocabulary)
    return [
        record_row(reading, row, place, said_by, benchmarks)
        for reading, row in zip(readings, record["evaluation_results"], strict=True)
    ]


def record_row(
    reading: ReadResult, result: Mapping[str, Any], place: Provenance, source_name: str | None, benchmarks: Benchmarks
) -> BoardRow:
    """The row of one result of a record."""
    run, metric = reading.run, result["metric_config"]
    settings = (result.get("generation_config") or {}).get("additional_details") or {}
    key = run.key if run.known else None
    known = benchmarks.mapping.get(run.key) or {}
    word = kept_text(metric.get("metric_id") or metric.get("metric_name"))
    why_not = f"a part of {known['name']}: {run.subtask}" if run.subtask else None
    if key and not why_not and known.get("kind") == "benchmark" and not is_main_metric(metric, known):
        why_not = None if ranks(word, known) else f"{word} is not the metric that {known['name']} is ranked by"
    if run.partial:
        why_not = f"a partial run ({run.partial[:40]}), no score"
    if run.validity.reasons:
        why_not = f"not valid: {'; '.join(run.validity.reasons)[:200]}"
    value, unit = run.written
    error = ((result["score_details"].get("uncertainty") or {}).get("standard_error") or {}).get("value")
    row = new_row(
        kept_text(run.identity.id) or "",
        place,
        "record",
        benchmark=key,
        benchmark_name=bare_task(run.name) or kept_text(run.name),
        source_task=kept_text(result.get("evaluation_result_id")) or kept_text(run.name),
        value=float(value),
        unit=None if unit == "unknown" else unit[:40],
        unit_basis=None if unit == "unknown" else "stated",
        metric=word,
        shots=record_shots(run, settings),
        standard_error=None if error is None else float(error),
        n=kept_count(run.n),
        source_name=source_name,
        source_url=place.url or None,
        why_not=why_not,
    )
    row["notes"] = "; ".join((record_place(Path(run.file)), *run.validity.remarks))
    return row


def read_own_runs(folders: Sequence[str], benchmarks: Benchmarks) -> tuple[list[BoardRow], list[dict[str, str]]]:
    """The rows of all records below some folders, and what could not be read; the newest of equal results stays.

    A model of which several revisions, adapters, ... were measured goes by a name that says which.
    """
    found: list[tuple[Identity, list[BoardRow]]] = []
    unreadable = []
    for path in record_files(map(Path, folders)):
        try:
            record = read_record(path)
            if record is None or record.get("failure"):
                continue
            identity = identity_of(record)
            if not identity.id:
                raise ValueError("it names no model")
            found.append((identity, record_rows(path, record, benchmarks)))
        except (ScriptError, KeyError, AttributeError, TypeError, ValueError, OverflowError) as error:
            reason = f"no {error} in the record" if isinstance(error, KeyError) else kept_text(error)
            unreadable.append({"model": "", "where": record_place(path), "reason": reason or ""})
    keys: dict[str, set[tuple[str, ...]]] = {}
    for identity, _ in found:
        keys.setdefault(identity.id, set()).add(identity.key)
    for identity, rows in found:
        for row in rows:
            several = len(keys[identity.id]) > 1
            row["model"] = kept_text(identity.name if several or identity.adapter else identity.id) or ""
    return [row for _, rows in found for row in rows], unreadable
