"""NeMo Evaluator: results.yml of its harness containers, or eval-<time>-<benchmark>.json with results.jsonl (0.3).

What it takes: either. What it gives: a TaskRun per task. results.yml has task and group rows: where there are tasks,
groups are averages over them and left out. Its numbers are in whatever unit the harness behind it uses, which the file
does not say. A bundle's numbers are rounded to four digits; an attempt that failed counts as 0 there and is counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from parts.formats.files import json_lines
from parts.formats.here import Here
from parts.formats.values import (
    all_texts,
    bounded_metadata,
    finite,
    merged_settings,
    moment_of,
    named,
    part,
    source_named,
    whole,
)
from parts.formats.vocabulary import AskedItem, Files, Moment, Origin, ScoreRead, TaskRun, Trouble
from parts.frame import single_line
from parts.harness.metric_names import METRIC_IDS
from parts.metric_directions import direction_in
from parts.private import without_paths

NEMO_GENERATION = {"temperature": "temperature", "max_new_tokens": "max_tokens", "max_tokens": "max_tokens"}
NEMO_GENERATION |= {"top_p": "top_p"}
NEMO_HARMLESS = {"parallelism", "max_retries", "request_timeout", "task", "extra", "limit_samples"}
NEMO_BUNDLE_LEFT_OUT = {"model", "model_url", "benchmark", "output_dir", "repeats", "max_problems"}


def is_nemo(document: Mapping[str, Any], _path: Path) -> bool:
    """Whether a document is a result of NeMo Evaluator."""
    results = part(document, "results")
    legacy = {"config", "target", "results"} <= set(document) and bool({"tasks", "groups"} & set(results))
    return legacy or ({"run_id", "config_hash", "sdk_version", "benchmark"} <= set(document))


def read_nemo(origin: Origin, document: dict[str, Any], here: Here, files: Files) -> Iterator[TaskRun | Trouble]:
    """The tasks of a file."""
    if "sdk_version" in document:
        yield from nemo_bundle(origin, document, here, files)
        return
    results, config = part(document, "results"), part(document, "config")
    params, target = part(config, "params"), part(document, "target", "api_endpoint")
    moment = Moment()
    model = here.model(named(target.get("model_id")), moment, deployment="unknown")
    tasks, groups = part(results, "tasks"), part(results, "groups")
    if tasks:
        for name in groups:
            if name not in tasks:
                yield Trouble(str(origin.path), "an average over tasks: recomputed, never imported", single_line(name))
    for task, row in (tasks or groups).items():
        if part(row, "groups"):
            yield Trouble(str(origin.path), "an average over groups: recomputed, never imported", single_line(task))
            continue
        scores = nemo_scores(part(row, "metrics"))
        yield TaskRun(
            origin=origin,
            task=str(task),
            title=single_line(task),
            model=model,
            scores=scores,
            version=here.version or "unknown",
            library={"type": named(config.get("type")), "git_hash": named(document.get("git_hash"))},
            source=source_named(single_line(task)),
            shots=whole(part(params, "extra").get("num_fewshot")),
            generation_args=nemo_generation(params),
            settings=merged_settings(
                {"limit": params.get("limit_samples"), "endpoint": target.get("type")},
                {name: value for name, value in params.items() if name not in {*NEMO_GENERATION, *NEMO_HARMLESS}},
                part(params, "extra"),
                {"adapter": part(target, "adapter_config") or None},
            ),
            moment=moment,
            failure=None if scores else "none of its metrics is a finite number",
        )


def nemo_generation(given: Mapping[str, Any]) -> dict[str, Any]:
    """How text was generated."""
    found = {to: finite(given[name]) for name, to in NEMO_GENERATION.items() if name in given}
    return found | ({"max_tokens": whole(found["max_tokens"])} if "max_tokens" in found else {})


def nemo_scores(metrics: Mapping[str, Any]) -> tuple[ScoreRead, ...]:
    """The scores of a task of results.yml: metrics.<metric>.scores.<name>.{value, stats}."""
    found = []
    for metric, rows in metrics.items():
        for name, row in part(rows, "scores").items():
            value, stats = finite(part({"row": row}, "row").get("value")), part(row, "stats")
            if value is None:
                continue
            label = single_line(name if name == metric or metric in str(name) else f"{metric}/{name}")
            error = finite(stats.get("stderr"))
            found.append(
                ScoreRead(
                    *(label, METRIC_IDS.get(label, label.replace("/", "_")), value, None),
                    standard_error=error if error is not None and error > 0 else None,
                    method="analytic" if error else None,
                    count=whole(stats.get("count")) or None,
                    **direction_in("nemo", label.split("__")[0]),
                )
            )
    return tuple(found)


def nemo_bundle(origin: Origin, document: Mapping[str, Any], here: Here, files: Files) -> Iterator[TaskRun | Trouble]:
    """The benchmark of a bundle; results.jsonl beside it has one line for each attempt."""
    config, benchmark = part(document, "config"), part(document, "benchmark")
    task = named(benchmark.get("name"))
    if task is None:
        raise ValueError("it does not say which benchmark was asked")
    moment = moment_of(document.get("timestamp"))
    count = whole(benchmark.get("samples"))
    scores = tuple(
        ScoreRead(
            *(single_line(name), re.sub(r"^pass@(\d+)$", r"pass_at_\1", name), float(row["value"]), None),
            count=count,
            unit=("proportion", 0.0, 1.0) if name.startswith("pass@") else None,
            rounding=5.1e-5,
            **direction_in("nemo", name),
        )
        for name, row in part(benchmark, "scores").items()
        if isinstance(row, dict) and finite(row.get("value")) is not None
    )
    lines = origin.path.with_name("results.jsonl")
    lines = lines if lines.is_file() else None
    files.used |= {lines.resolve()} if lines else set()
    repeats = whole(benchmark.get("repeats")) or 1
    yield TaskRun(
        origin=origin,
        task=task,
        title=task,
        model=here.model(named(config.get("model")), moment),
        scores=scores,
        version=here.version or named(document.get("sdk_version")) or "unknown",
        library={"config_hash": document.get("config_hash")},
        source=source_named(task, samples_number=None),
        generation_args=nemo_generation(config),
        settings=merged_settings(
            {"limit": config.get("max_problems"), "repeats": repeats if repeats > 1 else None},
            {name: value for name, value in config.items() if name not in {*NEMO_GENERATION, *NEMO_BUNDLE_LEFT_OUT}},
        ),
        moment=moment,
        run_ids={"run_id": document.get("run_id"), "created": document.get("timestamp")},
        samples=(lambda _: nemo_items(lines, [score.name for score in scores], repeats)) if lines else None,
        sample_file=lines,
        failure=None if scores else "none of its metrics is a finite number",
    )


def nemo_items(path: Path, scores: list[str], repeats: int) -> Iterator[AskedItem]:
    """The attempts of results.jsonl."""
    headline = next((name for name in scores if name in ("pass@1", "mean_reward")), None)
    for line in json_lines(path):
        details, metadata = part(line, "scoring_details"), part(line, "metadata")
        failed = details.get("error_category")
        broken = failed in ("infra_error", "system")  # nothing was found out; a timeout is the model's failure
        read = line.get("extracted_answer")
        values = {headline: finite(line.get("reward"))} if headline else {}
        for name in scores:
            if name.startswith("scorer:") and name in details:
                values[name] = finite(part(details, name).get("correct"))
        yield AskedItem(
            id=str(line.get("problem_idx")),
            raw=str(line.get("prompt") or ""),
            references=all_texts(line.get("expected_answer")),
            answers=[str(line.get("model_response") or "")],
            values=values,
            found=(str(read), "nemo-evaluator") if read not in (None, "") else None,
            generative=True,
            truncated=None,
            unparsed=None,
            attempt=whole(line.get("repeat")) if repeats > 1 else None,
            tries={name: [None] for name in values} if broken else None,
            errored=int(bool(failed)),
            lost_to_errors=int(broken),
            limit_hit=int(failed == "solve_timeout"),
            metadata=bounded_metadata(metadata) | ({"failed": without_paths(str(failed))[:80]} if failed else {}),
        )
