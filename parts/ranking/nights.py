"""The nights of one model in the terminal: each task's scores by date, what changed in between, and a drift.

Takes folders of records and a model's name or folder; gives a table for each task, or JSON.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from parts.frame import ScriptError, listing, nearest, number, single_line
from parts.records.files import read_record, record_files
from parts.records.identity import Identity, identity_of, model_names, one_model
from parts.records.items import with_answers
from parts.records.nights import NightScore, TaskKey, drift_of_nights, nights_by_task
from parts.records.reading import read_results
from parts.records.run import Run
from parts.tables import pipe_table
from parts.vocabulary import MetricMapping

NIGHTS_SCHEMA = "1"


def read_model_runs(folders: Sequence[Path], name: str, vocabulary: MetricMapping, cluster_by: str | None) -> list[Run]:
    """All runs of one model below some folders, with their items; ScriptError when it is none, or several."""
    names = {name, Path(name).name, "/".join(Path(name).parts[-2:])}
    runs: list[Run] = []
    meant: list[Identity] = []
    seen: list[Identity] = []
    for path in record_files(folders):
        record = read_record(path)
        if record is None or record.get("failure"):
            continue
        try:
            identity = identity_of(record)
        except ValueError as error:
            raise ScriptError(f"{path}: unreadable record: {single_line(error)}; evaluate again") from error
        seen.append(identity)
        if any(identity.answers_to(one) for one in names):
            meant.append(identity)
            readings = read_results(path, record, vocabulary, whole=bool(cluster_by))
            runs += [with_answers(reading.run, reading.lines, cluster_by, reading.facts) for reading in readings]
    if not meant:
        there = model_names(seen)
        hint = nearest(name, there) or f"; there are: {listing(there, 20) or 'no records'}"
        raise ScriptError(f"--history: no record of {name} below {listing(map(str, folders))}{hint}", code=1)
    one_model(meant, f"--history {name}", states=True)
    return runs


def nights_text(nights: dict[TaskKey, list[NightScore]], vocabulary: MetricMapping) -> str:
    """The tables for stdout."""
    parts = []
    for (task, metric, shots), own in sorted(nights.items(), key=lambda pair: (vocabulary.place(pair[0][0]), pair[0])):
        rows = []
        for night in own:
            low_high = "–" if night.interval is None else f"{number(night.interval[0])} to {number(night.interval[1])}"
            reasons = [f"not valid: {reason}" for reason in night.run.validity.reasons]
            partial = [f"over {night.run.partial}"] if night.run.partial else []
            remarks = "; ".join([*(f"changed: {one}" for one in night.changed), *partial, *reasons])
            rows.append([night.date, number(night.run.score), low_high, str(night.run.n or "–"), remarks])
        title = f"{task} ({metric}{f', {shots}-shot' if shots else ''}), {len(own)} nights"
        parts += [title, "", pipe_table(["date", "score", "95 % interval", "items", "remarks"], rows), ""]
        if found := drift_of_nights(own):
            drift, since = found
            parts += [f"drift: {drift.slope:+.4f} a night since {since} (p = {drift.p_value:.2g})", ""]
    return "\n".join(parts).rstrip()


def nights_json(name: str, nights: dict[TaskKey, list[NightScore]]) -> dict[str, Any]:
    """The document of --json."""
    tasks = []
    for (task, metric, shots), own in nights.items():
        found = drift_of_nights(own)
        scores = [
            {
                "date": night.date,
                "score": night.run.score,
                "interval": None if night.interval is None else list(night.interval),
                "n": night.run.n,
                "changed": list(night.changed),
                "weights": night.run.identity.fixed or None,
                "partial": night.run.partial or None,
                "not_valid": list(night.run.validity.reasons),
                "record": night.run.file,
            }
            for night in own
        ]
        drift = None if found is None else {"per_night": found[0].slope, "since": found[1], "p_value": found[0].p_value}
        about = {"task": task, "metric": metric, "shots": shots or None, "unit": own[0].run.unit}
        tasks.append(about | {"lower_is_better": own[0].run.lower_is_better, "nights": scores, "drift": drift})
    return {"schema_version": NIGHTS_SCHEMA, "model": name, "tasks": tasks}


def model_history(args: argparse.Namespace, vocabulary: MetricMapping) -> tuple[dict[str, Any], str]:
    """(JSON, text) of a model's nights."""
    folders = [Path(folder) for folder in args.results or [args.checkpoints]]
    found = nights_by_task(read_model_runs(folders, args.checkpoints, vocabulary, args.cluster_by))
    nights = {key: own[-args.history :] for key, own in found.items()}
    return nights_json(args.checkpoints, nights), nights_text(nights, vocabulary)
