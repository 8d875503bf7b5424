"""Rows from records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from parts.board.metadata_rows import new_row
from parts.board.vocabulary import Benchmarks, BoardRow, Provenance, ranks
from parts.foreign import iso_time, kept_count, kept_url
from parts.frame import ScriptError, is_number, kept_text, single_line
from parts.records.files import read_record, record_files
from parts.records.publishable import checked_score, is_main_metric, record_model, record_place, record_shots
from parts.vocabulary import bare_task


def record_rows(path: Path, record: Mapping[str, Any], benchmarks: Benchmarks) -> list[BoardRow]:
    """The rows of a local record; any error of looking things up means that the record is damaged."""
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
    model, harness = record_model(record), str(library.get("name") or "")
    rows = [record_row(row, model, place, said_by, harness, benchmarks) for row in record["evaluation_results"]]
    for row in rows:
        row["notes"] = record_place(path)
    return rows


def record_row(
    result: Mapping[str, Any],
    model: str,
    place: Provenance,
    source_name: str | None,
    library: str,
    benchmarks: Benchmarks,
) -> BoardRow:
    """The row of one result of a record."""
    metric, details = result["metric_config"], result["score_details"]
    settings = (result.get("generation_config") or {}).get("additional_details") or {}
    value, unit = checked_score(metric, details)
    name = kept_text(result["evaluation_name"]) or ""
    key, part = benchmarks.names.key(name, library)
    known = benchmarks.mapping.get(key or "") or {}
    word = kept_text(metric.get("metric_id") or metric.get("metric_name"))
    why_not = f"a part of {known['name']}: {part}" if part else None
    if key and not why_not and known.get("kind") == "benchmark" and not is_main_metric(metric, known):
        why_not = None if ranks(word, known) else f"{word} is not the metric that {known['name']} is ranked by"
    limit = str(settings.get("limit") or "")
    if limit not in ("", "None", "null"):
        why_not = f"a partial run (limit {single_line(limit)[:40]}), no score"
    uncertainty = details.get("uncertainty") or {}
    error = (uncertainty.get("standard_error") or {}).get("value")
    return new_row(
        kept_text(model) or "",
        place,
        "record",
        benchmark=key,
        benchmark_name=bare_task(name) or name,
        source_task=kept_text(result.get("evaluation_result_id")) or name,
        value=float(value),
        unit=None if unit == "unknown" else unit[:40],
        unit_basis=None if unit == "unknown" else "stated",
        metric=word,
        shots=record_shots(str(result.get("evaluation_result_id") or ""), settings),
        standard_error=float(error) if is_number(error) and error >= 0 else None,
        n=kept_count(uncertainty.get("num_samples")),
        source_name=source_name,
        source_url=place.url or None,
        why_not=why_not,
    )


def read_own_runs(folders: Sequence[str], benchmarks: Benchmarks) -> tuple[list[BoardRow], list[dict[str, str]]]:
    """The rows of all records below some folders, and what could not be read; the newest of equal results stays."""
    rows: list[BoardRow] = []
    unreadable = []
    for path in record_files(map(Path, folders)):
        try:
            record = read_record(path)
            if record is None or record.get("failure"):
                continue
            if not record_model(record):
                raise ValueError("it names no model")
            rows += record_rows(path, record, benchmarks)
        except (ScriptError, KeyError, AttributeError, TypeError, ValueError, OverflowError) as error:
            reason = f"no {error} in the record" if isinstance(error, KeyError) else kept_text(error)
            unreadable.append({"model": "", "where": record_place(path), "reason": reason or ""})
    return rows, unreadable
