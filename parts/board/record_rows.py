"""Rows from records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from parts.board.metadata_rows import new_row
from parts.board.vocabulary import Benchmarks, BoardRow, Provenance, model_name, ranks
from parts.foreign import iso_time, kept_count, kept_url
from parts.frame import ScriptError, kept_text
from parts.private import without_paths
from parts.records.files import read_record, record_files
from parts.records.groups import whole_runs
from parts.records.identity import identity_of
from parts.records.publishable import is_main_metric, record_place, record_shots
from parts.records.reading import read_results
from parts.records.run import Run
from parts.records.states import states_of
from parts.vocabulary import bare_task


def record_rows(path: Path, record: Mapping[str, Any], benchmarks: Benchmarks) -> list[tuple[Run, BoardRow]]:
    """The results of a local record with their rows; ScriptError when it is damaged."""
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
    return [(one.run, record_row(one.run, one.row, place, said_by, benchmarks)) for one in readings]


def record_row(
    run: Run, result: Mapping[str, Any], place: Provenance, source_name: str | None, benchmarks: Benchmarks
) -> BoardRow:
    """The row of one result of a record."""
    metric = result["metric_config"]
    settings = (result.get("generation_config") or {}).get("additional_details") or {}
    key = run.key if run.known else None
    known = benchmarks.mapping.get(run.key) or {}
    word = kept_text(metric.get("metric_id") or metric.get("metric_name"))
    why_not = f"a part of {known['name']}: {run.subtask}" if run.subtask else None
    if (
        key
        and not why_not
        and known.get("kind") == "benchmark"
        and not known.get("own")
        and not is_main_metric(metric, known)
    ):
        why_not = None if ranks(word, known) else f"{word} is not the metric that {known['name']} is ranked by"
    if not run.directed:
        why_not = f"nothing says whether more {word} is better"
    if run.partial:
        why_not = f"a partial run ({run.partial[:40]}), no score"
    if run.validity.reasons:
        why_not = f"not valid: {'; '.join(run.validity.reasons)[:200]}"
    value, unit = run.written
    error = None if run.standard_error is None else run.standard_error / run.scale
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
        standard_error=error,
        n=kept_count(run.n),
        lower_is_better=run.lower_is_better,
        source_name=source_name,
        source_url=place.url or None,
        why_not=why_not,
    )
    row["notes"] = "; ".join((record_place(Path(run.file)), *run.validity.remarks))
    return row


def read_own_runs(folders: Sequence[str], benchmarks: Benchmarks) -> tuple[list[BoardRow], list[dict[str, str]]]:
    """The rows of all records below some folders, and what could not be read; the newest of equal results stays.

    A model of which several revisions, adapters, ... were measured goes by a name that says which. Each complete set of
    a benchmark's parts gives a row of the benchmark.
    """
    found: list[tuple[Run, BoardRow]] = []
    unreadable = []
    for path in record_files(map(Path, folders)):
        try:
            record = read_record(path)
            if record is None or record.get("failure"):
                continue
            model_name(identity_of(record).id)
            found += record_rows(path, record, benchmarks)
        except (ScriptError, KeyError, AttributeError, TypeError, ValueError, OverflowError) as error:
            reason = f"no {error} in the record" if isinstance(error, KeyError) else str(error)
            reason = kept_text(without_paths(reason, path)) or ""
            unreadable.append({"model": "", "where": record_place(path), "reason": reason})
    models: dict[tuple[str, ...], list[tuple[Run, BoardRow]]] = defaultdict(list)
    for run, row in found:
        models[run.identity.key].append((run, row))
    ids = [key[0] for key in models]
    rows: list[BoardRow] = []
    for key, own in models.items():
        name = own[0][0].identity.name if ids.count(key[0]) > 1 or key[2] else key[0]
        for row in [*(row for _, row in own), *whole_rows(own, benchmarks)]:
            rows.append(row | {"model": kept_text(name) or ""})
    return rows, unreadable


def whole_rows(own: Sequence[tuple[Run, BoardRow]], benchmarks: Benchmarks) -> list[BoardRow]:
    """The rows of the benchmarks that parts of one model make up, each from parts of one state of it."""
    parts = {id(run): row for run, row in own if run.subtask}
    rows = []
    for state in states_of([run for run, _ in own if run.subtask]):
        wholes, used, _ = whole_runs(state, benchmarks.vocabulary)
        for run in wholes:
            first = parts[next(id(part) for part in used if part.key == run.key and part.file == run.file)]
            reasons = "; ".join(run.validity.reasons)[:200]
            error = None if run.standard_error is None else run.standard_error / run.scale
            known = benchmarks.mapping[run.key]
            why_not = f"not valid: {reasons}" if reasons else f"a partial run ({run.partial})" if run.partial else None
            if not why_not and not ranks(run.metric, known):
                why_not = f"{run.metric} is not the metric that {known['name']} is ranked by"
            rows.append(
                first
                | {
                    "benchmark_name": known["name"],
                    "source_task": run.result_id,
                    "value": run.written[0],
                    "standard_error": error,
                    "n": kept_count(run.n),
                    "why_not": why_not,
                    "notes": "; ".join((first["notes"].split("; ")[0], *run.validity.remarks[:3])),
                }
            )
    return rows
