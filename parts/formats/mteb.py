"""MTEB: <model>/<revision>/<task>.json, with model_meta.json beside it; also the shape of before 1.11.

What it takes: a result of one task. What it gives: a TaskRun per split, the official one under the task's own name; of
several official splits each under its own, and their mean, as MTEB adds them up, under the task's. A split's main score
is the mean over its subsets, as MTEB itself adds them up, and theirs are in the details. With one subset its other
metrics are read too, without what only describes them (thresholds, deviations, nAUC). There are no items in the files
and no number of items.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from parts.embedded import embedded
from parts.formats.files import json_lines, json_value, read_bounded
from parts.formats.here import Here
from parts.formats.values import finite, first, merged_settings, moment_of, named, part, rows_of, source_named
from parts.formats.vocabulary import Files, Origin, ScoreRead, TaskRun, Trouble
from parts.frame import single_line
from parts.metric_directions import direction_in, is_no_score, unit_in

MTEB_DESCRIPTIVE = re.compile(r"(?:\w+_)?nauc_.*|.*_threshold|evaluation_time|kg_co2_emissions|.*_per_experiment")
# The splits that MTEB itself scores a task on (eval_splits of its metadata, which no file has), where it isn't `test`.
MTEB_TASKS = embedded("formats/mteb_splits.json")
MTEB_OFFICIAL = {task: tuple(splits.split()) for splits, tasks in MTEB_TASKS.items() for task in tasks.split()}
MTEB_NO_REVISION = {"no_revision_available", "no_model_name_available", "external", ""}


def is_mteb(document: Mapping[str, Any], _path: Path) -> bool:
    """Whether a JSON document is MTEB's result of a task."""
    if "mteb_dataset_name" in document:
        return True
    scores = document.get("scores")
    rows = [row for split in scores.values() for row in rows_of(split)] if isinstance(scores, dict) else []
    return "task_name" in document and bool(rows) and all("hf_subset" in row and "main_score" in row for row in rows)


def read_mteb(origin: Origin, document: dict[str, Any], here: Here, files: Files) -> Iterator[TaskRun | Trouble]:
    """The splits of a result."""
    task = first(named(document.get("task_name")), named(document.get("mteb_dataset_name")))
    if task is None:
        raise ValueError("it does not say which task was asked")
    meta, settings = mteb_meta(origin.path, files), mteb_settings(origin.path, task, files)
    moment = moment_of(document.get("date"))
    name, revision = mteb_model(origin.path, meta)
    model = here.model(name, moment, revision, details={"experiment": meta.get("experiment_kwargs") or None})
    splits, official = mteb_splits(document), MTEB_OFFICIAL.get(task, ("test",))
    titles = {split: task if official == (split,) else f"{task}:{single_line(split)}" for split in splits}
    if len(official) > 1 and set(official) <= set(splits):
        joined = "+".join(official)
        titles[joined] = task
        splits[joined] = {f"{split}/{name}": row for split in official for name, row in splits[split].items()}
    for split, subsets in splits.items():
        scores, counts = mteb_scores(subsets)
        yield TaskRun(
            origin=origin,
            task=titles[split],
            title=titles[split],
            model=model,
            scores=scores,
            version=here.version or named(document.get("mteb_version")) or "unknown",
            library={"dataset_revision": named(document.get("dataset_revision"))},
            source=source_named(task, split=split, revision=named(document.get("dataset_revision"))),
            settings=merged_settings(settings),
            moment=moment,
            counts=counts,
            failure=None if scores else "its main score is no finite number, or not in this old file",
        )


def mteb_meta(path: Path, files: Files) -> dict[str, Any]:
    """model_meta.json beside a result; {} when it is not there."""
    meta = path.with_name("model_meta.json")
    if not meta.is_file():
        return {}
    files.used.add(meta.resolve())
    return part({"meta": json_value(read_bounded(meta))}, "meta")


def mteb_settings(path: Path, task: str, files: Files) -> dict[str, Any]:
    """How texts were encoded, from run_settings.jsonl beside a result."""
    given = path.with_name("run_settings.jsonl")
    if not given.is_file():
        return {}
    files.used.add(given.resolve())
    rows = [part(row, "encode_kwargs") for row in json_lines(given) if row.get("task") == task]
    return rows[-1] if rows else {}


def mteb_model(path: Path, meta: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """(name, revision): from model_meta.json, else from the folders <owner>__<name>/<revision>."""
    names = [folder for folder in (path.parent.name, path.parent.parent.name) if "__" in folder]
    said = named(meta.get("name"))
    folder = names[0].replace("__", "/", 1) if names else None
    name = folder if folder and (said is None or folder.endswith(f"/{said}")) else said
    revision = first(named(meta.get("revision")), path.parent.name if path.parent.parent.name in names else None)
    return name, None if revision in MTEB_NO_REVISION else revision


def mteb_splits(document: Mapping[str, Any]) -> dict[str, dict[str, dict[str, Any]]]:
    """Scores by split and subset."""
    if isinstance(document.get("scores"), dict):
        found = {split: mteb_subsets(split, rows_of(rows)) for split, rows in document["scores"].items()}
    else:  # before 1.11: {split: {subset: scores}}, or {split: scores} for a task of one subset
        found = {split: mteb_old_subsets(values) for split, values in document.items() if isinstance(values, dict)}
    return {split: subsets for split, subsets in found.items() if subsets}


def mteb_subsets(split: str, rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The scores of a split by subset."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        if found.setdefault(row["hf_subset"], row) != row:
            raise ValueError(f"{single_line(split)} has several scores of the subset {single_line(row['hf_subset'])}")
    return found


def mteb_old_subsets(values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The subsets of a split of an old file, the scores of each way of comparing (cos_sim, dot, ...) under one name."""
    ways = {"cos_sim": "cosine", "euclidean": "euclidean", "manhattan": "manhattan", "dot": "dot", "max": "max"}
    nested = {name: row for name, row in values.items() if isinstance(row, dict) and name not in ways}
    found = {}
    for subset, row in (nested or {"default": values}).items():
        flat = {name: value for name, value in row.items() if not isinstance(value, dict)}
        for way, rows in (
            (ways[name], value) for name, value in row.items() if name in ways and isinstance(value, dict)
        ):
            flat |= {f"{way}_{name}": value for name, value in rows.items()}
        found[subset] = flat
    return found


def mteb_scores(subsets: Mapping[str, Mapping[str, Any]]) -> tuple[tuple[ScoreRead, ...], dict[str, str]]:
    """(scores, details) of a split."""
    main = {name: finite(row.get("main_score")) for name, row in subsets.items()}
    known = [value for value in main.values() if value is not None]
    scores, counts = [], {}
    if known and len(known) == len(main):
        alike = sorted(name for name, value in next(iter(subsets.values())).items() if value == known[0])
        alike = [name for name in alike if name != "main_score" and mteb_measures(name)]
        details = {"main_metric": ", ".join(alike) or None}
        rule = "mean" if len(main) == 1 else "mean over subsets"
        scores.append(mteb_score("main_score", sum(known) / len(known), rule, alike, details))
    if len(subsets) == 1:
        row = next(iter(subsets.values()))
        numbers = {name: finite(value) for name, value in row.items() if not isinstance(value, bool)}
        for name, value in numbers.items():
            if value is not None and name != "main_score" and mteb_measures(name):
                scores.append(mteb_score(single_line(name), value, "unknown", [name], {}))
    else:
        counts = {f"subset {single_line(name)}": repr(value) for name, value in main.items()}
    return tuple(scores[:120]), counts


def mteb_measures(name: str) -> bool:
    """Whether a number measures the model, and does not only describe its scores."""
    return not MTEB_DESCRIPTIVE.fullmatch(name) and not is_no_score("mteb", name)


def mteb_score(name: str, value: float, rule: str, metrics: list[str], details: Mapping[str, Any]) -> ScoreRead:
    """One number, with the unit of the metrics that it may be: a main score is known by its value alone."""
    units = {unit_in("mteb", metric) for metric in metrics}
    unit = units.pop() if len(units) == 1 else None
    aggregation = "unknown" if rule == "mean" else rule  # of a mean over items nothing is said
    way = direction_in("mteb", name)
    return ScoreRead(name, name, value, aggregation, unit=unit or ("unknown", None, None), details=details, **way)
