"""The table of the Hub's official Benchmarks: tasks, scale, entries, our keys, and which results would count."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from parts.frame import ScriptError, listing, single_line
from parts.metadata.official import OfficialList, Placing, keys_of_tasks
from parts.metadata.plan import other_metric
from parts.metadata.scale import Leaderboard
from parts.publish.hub import Hub, card_errors
from parts.publish.records import read_records, results_of
from parts.records.publishable import record_model
from parts.vocabulary import vocabulary_of


def read_boards(hub: Hub, official: OfficialList, workers: int) -> dict[str, Leaderboard | str]:
    """Each Benchmark's leaderboard, or why it cannot be read."""

    def one(dataset_id: str) -> Leaderboard | str:
        try:
            with card_errors(dataset_id):
                return hub.leaderboard(dataset_id)
        except ScriptError as error:
            return single_line(error)

    names = [found.dataset_id for found in official.benchmarks.values()]
    with ThreadPoolExecutor(workers) as pool:
        return dict(zip(names, pool.map(one, names), strict=True))


def official_json(
    official: OfficialList, mapping: Mapping[str, Any], boards: Mapping[str, Leaderboard | str]
) -> dict[str, Any]:
    """The table as a JSON document; what is not known is null."""
    keys, rows = keys_of_tasks(official, mapping), []
    for found in sorted(official.benchmarks.values(), key=lambda one: one.dataset_id.lower()):
        board = boards.get(found.dataset_id)
        known = board if isinstance(board, Leaderboard) else None
        rows.append(
            {
                "dataset_id": found.dataset_id,
                "name": found.name or None,
                "evaluation_framework": found.framework or None,
                "own_harness": found.own_harness or None,
                "gated": found.gated,
                "tasks": [
                    {"id": task.id, "config": task.config or None, "split": task.split or None,
                     "key": keys.get((found.dataset_id, task.id))}
                    for task in found.tasks
                ],
                "scale": found.unit or (known.scale if known else None),
                "lower_is_better": found.lower_is_better if known is None else known.lower_is_better,
                "entries": known.entries if known else None,
                "problem": found.problem or (board if isinstance(board, str) else None) or None,
            }
        )  # fmt: skip
    return {"as_of": official.as_of, "basis": official.basis, "reason": official.reason or None, "benchmarks": rows}


def official_rows(document: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    """One row for each task of the JSON document."""
    for row in document["benchmarks"]:
        scale = row["scale"] or ""
        scale += ", lower is better" if row["lower_is_better"] else ""
        entries = "" if row["entries"] is None else row["entries"]
        about = (row["own_harness"] or "", row["problem"] or ("gated" if row["gated"] else ""))
        for task in row["tasks"] or [{"id": "not known", "key": None}]:
            yield row["dataset_id"], task["id"], task["key"] or "", scale, entries, *about


def counting_results(paths: Sequence[Path], placing: Placing) -> list[dict[str, Any]]:
    """Each result of the records below some folders, with the Benchmark where it would count or the reason why not."""
    vocabulary, found = vocabulary_of(placing.mapping), []
    for path, record in read_records(paths)[0]:
        if record.get("failure"):
            continue
        for row in results_of(path, record, vocabulary):
            match = placing.match(row.entry)
            other = other_metric(row.entry, placing.mapping) if match.place else ""
            place = None if other else match.place
            why = other or match.why + (f": {listing(match.candidates, 5)}" if match.candidates else "")
            found.append(
                {
                    "model": record_model(record),
                    "benchmark": row.entry.benchmark,
                    "key": row.entry.key,
                    "value": row.entry.value,
                    "unit": row.entry.unit,
                    "dataset_id": place.dataset_id if place else None,
                    "task_id": place.task_id if place else None,
                    "by": place.how if place else None,
                    "why_not": None if place else why,
                    "record": row.entry.origin,
                }
            )
    return found
