"""OLMES: task-<number>-<task>-metrics.json with -predictions.jsonl and -requests.jsonl; else metrics.json or .jsonl.

What it takes: the metrics of one task, or the summary of all. What it gives: a TaskRun per task; the metric that the
task calls primary is first. Averages over tasks (a suite) are left out. A summary whose task files are beside it gives
nothing again.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from parts.formats.files import json_lines, object_beside
from parts.formats.here import Here
from parts.formats.values import (
    all_texts,
    finite,
    first,
    merged_settings,
    moment_of,
    named,
    part,
    rows_of,
    source_named,
    unlike,
    whole,
)
from parts.formats.vocabulary import AskedItem, Files, Origin, ScoreRead, TaskRun, Trouble
from parts.frame import single_line
from parts.harness.metric_names import METRIC_IDS
from parts.metric_directions import direction_in

# What is a score; the rest are counts and sums of log-likelihoods.
OLMES_METRICS = re.compile(
    r"acc_.*|exact_match.*|f1|recall|pass_at_\d+|bits_per_byte(?:_corr)?|ppl_.*|.*_acc|maj_at_\d+|score|win_rate|bleu"
)
OLMES_GENERATION = {"temperature": "temperature", "max_gen_toks": "max_tokens", "top_p": "top_p", "top_k": "top_k"}
# "arc_challenge:mc::olmes": how choices are asked (mc, rc, cot) and in which regime are settings, no part of it.
OLMES_ALIAS = re.compile(r"(?P<name>[^:]+)(?::(?P<form>[^:]+(?::[^:]+)*))?(?:::(?P<regime>.+))?")
# Tasks of which a regime itself asks so many items, drawn with a seed of its own (oe_eval/configs/tasks.py).
OLMES_SAMPLES = {
    ("olmes", 1000): {"arc_easy", "boolq", "drop", "hellaswag", "naturalqs", "piqa", "socialiqa", "squad"},
    ("olmo1", 1000): {"arc_challenge", "arc_easy", "boolq", "csqa", "hellaswag", "piqa", "sciq"}
    | {"socialiqa", "winogrande"},
    ("olmo1", 200): {"gsm8k"},
}
OLMES_NAMES = {"model", "model_path", "revision", "model_type", "metadata"}
OLMES_TASK_SETTINGS = (
    *("random_subsample_seed", "use_chat_format", "fewshot_seed", "fewshot_source", "context_kwargs", "metric_kwargs"),
    *("chat_overrides", "dependencies", "custom_kwargs", "version"),
)


def is_olmes(document: Mapping[str, Any], _path: Path) -> bool:
    """Whether a JSON document is of OLMES: a task's metrics, or the summary of a run."""
    task = {"task_config", "model_config", "metrics"} <= set(document) and "task_name" in document
    return task or ("all_primary_scores" in document and bool({"tasks", "metrics"} & set(document)))


def read_olmes(origin: Origin, document: dict[str, Any], here: Here, files: Files) -> Iterator[TaskRun | Trouble]:
    """The tasks of a file."""
    summary = origin.path.with_name("metrics.json")
    if "task_name" in document:
        beside = olmes_summary(summary, summary.stat().st_mtime_ns) if summary.is_file() else {}
    else:
        others = [(path, object_beside(path)) for path in sorted(origin.path.parent.glob("task-*-metrics.json"))]
        beside = {alias: (path, part(row, "metrics")) for path, row in others if (alias := olmes_alias(row))}
    again = 0
    for row in [document] if "task_name" in document else olmes_rows(document):
        path, numbers = beside.get(olmes_alias(row) or "", (None, {}))
        if path and (wrong := unlike(path, part(row, "metrics"), numbers)):
            yield Trouble(str(origin.path), wrong, olmes_alias(row), failed=True)
        elif path and row is not document:
            again += 1
        else:
            yield from olmes_task(origin, row, here, files)
    if again:
        yield Trouble(str(origin.path), "a summary of the task files beside it")


@functools.lru_cache(maxsize=1)  # it lies beside each of many task files
def olmes_summary(path: Path, _changed: int) -> dict[str, tuple[Path, dict[str, Any]]]:
    """The numbers of each task in a summary; `_changed`: when it was, so that another one is read."""
    rows = olmes_rows(object_beside(path))
    return {alias: (path, part(row, "metrics")) for row in rows if (alias := olmes_alias(row))}


def olmes_rows(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The tasks of a summary, each as its own file would have it."""
    found = []
    for row in rows_of(first(document.get("tasks"), document.get("metrics"))):
        task = first(row.get("task_name"), row.get("task"), row.get("alias"))
        flat = {name: value for name, value in row.items() if name not in ("task", "task_config", "num_instances")}
        found.append({"task_name": task, "metrics": flat, "model_config": document.get("model_config"), **row})
    return found


def olmes_alias(row: Mapping[str, Any]) -> str | None:
    """What a task is called, with its form and regime."""
    told = part(row, "task_config", "metadata").get("alias")
    return first(named(told), named(row.get("alias")), named(row.get("task_name")))


def olmes_task(origin: Origin, document: Mapping[str, Any], here: Here, files: Files) -> Iterator[TaskRun | Trouble]:
    """One task."""
    config, models, metrics = part(document, "task_config"), part(document, "model_config"), part(document, "metrics")
    own, alias = named(document.get("task_name")), olmes_alias(document)
    if alias is None:
        raise ValueError("a task without a name")
    form = OLMES_ALIAS.fullmatch(alias)
    title = form["name"] if form else alias
    if "num_tasks" in metrics or part(config, "metadata").get("num_tasks") or "tasks" in config:
        yield Trouble(str(origin.path), "an average over tasks: recomputed, never imported", alias)
        return
    moment = moment_of((named(document.get("current_date")) or "").replace(" UTC", "+00:00"))
    generation, count = part(config, "generation_kwargs"), whole(document.get("num_instances"))
    scores = olmes_scores(metrics, named(config.get("primary_metric")), count)
    predictions, requests = (
        origin.path.with_name(origin.path.name.replace("-metrics.json", f"-{kind}.jsonl"))
        for kind in ("predictions", "requests")
    )
    has_items = "-metrics.json" in origin.path.name and predictions.is_file()
    files.used |= {path.resolve() for path in (predictions, requests) if has_items}
    limit, regime = whole(config.get("limit")), form and form["regime"]
    drawn = limit == count and title in OLMES_SAMPLES.get((regime, limit), ())
    names = {score.name: score.details.get("metric", score.name) for score in scores}
    yield TaskRun(
        origin=origin,
        task=alias,
        title=single_line(title),
        model=here.model(
            first(named(models.get("model_path")), named(models.get("model"))),
            moment,
            named(models.get("revision")),
            deployment="externally_managed" if models.get("model_type") == "litellm" else "self_deployed",
        ),
        scores=scores,
        shots=whole(config.get("num_shots")),
        version=here.version or "unknown",
        library={name: document.get(name) for name in ("task_hash", "model_hash")},
        source=source_named(
            own,
            split=config.get("split"),
            revision=config.get("revision"),
            samples_number=count if drawn else None,
        ),
        generation_args={
            **{to: finite(generation.get(name)) for name, to in OLMES_GENERATION.items()},
            "max_tokens": whole(generation.get("max_gen_toks")),
        },
        settings=merged_settings(
            {
                "limit": None if drawn or (limit and count and count < limit) else config.get("limit"),
                "sample_of_regime": count if drawn else None,
                "backend": models.get("model_type"),
                "stop": generation.get("stop_sequences"),
                "formulation": form and form["form"],
                "regime": regime,
            },
            {name: value for name, value in models.items() if name not in OLMES_NAMES},
            {name: value for name, value in generation.items() if name not in {*OLMES_GENERATION, "stop_sequences"}},
            {name: config.get(name) for name in OLMES_TASK_SETTINGS},
        ),
        moment=moment,
        samples=(lambda _: olmes_items(predictions, requests, names)) if has_items else None,
        sample_file=predictions if has_items else None,
        beside=(requests,) if has_items and requests.is_file() else (),
        failure=None if scores else "none of its metrics is a finite number",
    )


def olmes_scores(metrics: Mapping[str, Any], primary: str | None, count: int | None) -> tuple[ScoreRead, ...]:
    """The scores of a task, its primary one first."""
    known = {name: finite(value) for name, value in metrics.items() if OLMES_METRICS.fullmatch(name)}
    found = {name: value for name, value in known.items() if value is not None}
    if finite(metrics.get("primary_score")) is not None and primary not in found:
        found["primary_score"] = finite(metrics["primary_score"])
    order = sorted(found, key=lambda name: (name not in (primary, "primary_score"), name))
    return tuple(
        ScoreRead(
            *(single_line(name), METRIC_IDS.get(name, name), found[name], None),
            **direction_in("olmes", name),
            count=count,
            details={"metric": primary if name == "primary_score" and primary else name},
        )
        for name in order
    )


def olmes_items(predictions: Path, requests: Path, names: Mapping[str, str]) -> Iterator[AskedItem]:
    """The items; their questions are in the requests, in the same order, one request for each choice."""
    asked = json_lines(requests) if requests.is_file() else iter(())
    request = next(asked, None)
    for line in json_lines(predictions):
        own: list[dict[str, Any]] = []
        while request is not None and request.get("doc_id") == line.get("doc_id"):
            own.append(request)
            request = next(asked, None)
        yield olmes_item(line, own, names)


def olmes_item(line: Mapping[str, Any], requests: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> AskedItem:
    """One line of a predictions file."""
    metrics, outputs = part(line, "metrics"), rows_of(line.get("model_output"))
    doc = part(requests[0], "doc") if requests else {}
    context = part(requests[0], "request").get("context") if requests else None
    context = context if isinstance(context, str) else None
    choices = [str(part(row, "request").get("continuation") or "") for row in requests]
    several = len(choices) > 1 and all(choices)
    label = line.get("label")
    index = whole(label) if several and not isinstance(label, str) else None
    answers = [str(row["continuation"]) for row in outputs if isinstance(row.get("continuation"), str)]
    stops = [row.get("reached_max_tokens") for row in outputs if "reached_max_tokens" in row]
    return AskedItem(
        id=str(first(line.get("native_id"), line.get("doc_id"))),
        raw=str(first(named(doc.get("query")), context, f"doc {line.get('doc_id')}")),
        references=[choices[index]] if index is not None and index < len(choices) else all_texts(label),
        answers=answers,
        values={name: finite(metrics.get(metric)) for name, metric in names.items() if metric in metrics},
        choices=choices if several else None,
        prompt=context,
        shown=olmes_shown(metrics, choices, names) if several else {},
        generative=bool(answers),
        truncated=sum(map(bool, stops)) if stops else None,
        unparsed=None,
    )


def olmes_shown(metrics: Mapping[str, Any], choices: Sequence[str], names: Mapping[str, str]) -> dict[str, list[str]]:
    """The choice that each metric takes: acc_per_char has it as predicted_index_per_char."""
    found = {}
    for name, metric in names.items():
        index = whole(metrics.get(f"predicted_index_{metric.removeprefix('acc_')}"))
        if index is not None and index < len(choices):
            found[name] = [choices[index]]
    return found
