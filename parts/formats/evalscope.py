"""evalscope: reports/<model>/<data set>.json, the items in reviews/<model>/<data set>_<subset>.jsonl.

What it takes: a report of version 1 (metrics by name) or 2 (by identity, with their meaning). It gives one TaskRun
per report. A report's numbers are rounded to four digits, twice: where the items are here, the score is theirs.
Settings are in configs/task_config*.yaml, which may be missing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from parts.formats.files import json_lines, small_yaml
from parts.formats.here import Here
from parts.formats.inspect_items import message_text, messages_text
from parts.formats.values import (
    all_texts,
    bounded_metadata,
    finite,
    first,
    merged_settings,
    named,
    part,
    rows_of,
    source_named,
    whole,
)
from parts.formats.vocabulary import AskedItem, Files, Moment, Origin, ScoreRead, TaskRun, Trouble
from parts.frame import listing, single_line
from parts.harness.metric_names import METRIC_IDS
from parts.metric_directions import direction_in, unit_in
from parts.records.schema import strings

EVALSCOPE_ROUNDING = 1.01e-4  # of a mean, weighted by items, of means: each rounded to four digits
EVALSCOPE_UNITS = {(0.0, 1.0): "proportion", (0.0, 100.0): "percent", (-1.0, 1.0): "coefficient"}
# Of the run's configuration: names, places and what is said elsewhere in the record.
EVALSCOPE_LEFT_OUT = {
    *("api_key", "api_url", "model", "model_id", "datasets", "dataset_args", "dataset_dir", "dataset_hub", "debug"),
    *("work_dir", "use_cache", "no_timestamp", "enable_progress_tracker", "evalscope_version", "rerun_review", "judge"),
    *("generation_config", "model_args", "analysis_report", "collect_perf", "ignore_errors", "eval_config"),
}


def is_evalscope(document: Mapping[str, Any], _path: Path) -> bool:
    """Whether a JSON document is a report of evalscope."""
    metrics = rows_of(document.get("metrics"))
    known = {"dataset_name", "model_name", "metrics"} <= set(document)
    return known and bool(metrics) and all(isinstance(row.get("categories"), list) for row in metrics)


def read_evalscope(origin: Origin, document: dict[str, Any], here: Here, files: Files) -> Iterator[TaskRun | Trouble]:
    """The one task of a report."""
    task, shown = named(document.get("dataset_name")), named(document.get("model_name"))
    if task is None:
        raise ValueError("it does not say which data set was asked")
    run_folder = origin.path.parent.parent.parent
    config = evalscope_config(run_folder, shown)
    asked = part(config, "dataset_args", task)
    metrics = rows_of(document["metrics"])
    measured = [row for row in metrics if part(row, "semantics").get("kind") != "diagnostic"]
    for row in metrics:
        if row not in measured:
            yield Trouble(str(origin.path), f"{evalscope_name(row)}: evalscope calls it a diagnostic, no score", task)
    subsets = evalscope_subsets(metrics)
    reviews = run_folder / "reviews" / origin.path.parent.name
    files_of = {name: f"{task}_{name}.jsonl" for name in subsets}
    found = {
        name: reviews / file
        for name, file in files_of.items()
        if Path(file).name == file and (reviews / file).is_file()
    }
    files.used |= {path.resolve() for path in found.values()}
    whole_run = len(found) == len(subsets) > 0
    missing = [single_line(name) for name in subsets if name not in found] if found else []
    judge = {"grader_model": ", ".join(all_texts(part(document, "judge_summary").get("judge_models"))) or None}
    scores = [evalscope_score(row, judge, evalscope_repeats(config, measured)) for row in measured]
    rows = zip(scores, measured, strict=True)
    keys = {score.name: {score.name, score.id, named(row.get("name")) or ""} for score, row in rows if score}
    given = part(config, "generation_config")
    summary = part(document, "execution_summary")
    yield TaskRun(
        origin=origin,
        task=task,
        title=task,
        model=here.model(first(named(config.get("model")), shown), Moment()),
        scores=tuple(score for score in scores if score is not None),
        shots=whole(asked.get("few_shot_num")),
        version=here.version or named(config.get("evalscope_version")) or "unknown",
        source=source_named(named(asked.get("dataset_id")) or task, split=asked.get("eval_split")),
        generation_args={
            "temperature": finite(given.get("temperature")),
            "max_tokens": whole(given.get("max_tokens")),
            "top_p": finite(given.get("top_p")),
            "top_k": finite(given.get("top_k")),
        },
        settings=merged_settings(
            {"limit": config.get("limit"), "repeats": config.get("repeats")},
            {name: value for name, value in config.items() if name not in EVALSCOPE_LEFT_OUT},
            part(config, "model_args"),
            given,
            {name: asked.get(name) for name in ("prompt_template", "system_prompt", "few_shot_random", "filters")},
            {"subsets": json.dumps(subsets) if len(subsets) > 1 else None, "judge": config.get("judge")},
        ),
        moment=Moment(),
        counts=evalscope_attempts(summary)
        | {f"subset {name}": f"{value!r} of {count}" for name, (value, count) in subsets.items() if len(subsets) > 1},
        samples=(lambda _: evalscope_items(found, keys, config.get("repeats") != 1)) if whole_run else None,
        sample_file=next(iter(found.values()), None) if whole_run else None,
        beside=tuple(found.values()) if whole_run else (),
        lost=f"the answers of {listing(missing, 4)} are not here" if missing else "",
        failure=None if any(scores) else "none of its metrics is a finite number",
    )


def evalscope_config(folder: Path, model: str | None) -> dict[str, Any]:
    """The configuration of the run that a report belongs to; {} when it is not here or another model's."""
    for path in sorted((folder / "configs").glob("task_config*.yaml"), reverse=True):
        config = small_yaml(path)
        if isinstance(config, dict) and model in (config.get("model_id"), config.get("model"), None):
            return config
    return {}


def evalscope_name(row: Mapping[str, Any]) -> str:
    """A metric's name: that of version 1, or of its identity with what sets it apart from the plain mean."""
    identity = part(row, "identity")
    if not identity:
        return single_line(row.get("name"))
    axes = ",".join(f"{name}={value}" for name, value in part(identity, "dimensions").items())
    rule = identity.get("aggregation")
    return single_line(identity.get("name")) + (f":{rule}" if rule != "mean" else "") + (f"[{axes}]" if axes else "")


def evalscope_attempts(summary: Mapping[str, Any]) -> dict[str, int]:
    """What a run says of its requests, which its scores leave out where they failed."""
    requested, succeeded = whole(summary.get("requested")), whole(summary.get("succeeded"))
    if requested is None or succeeded is None or succeeded >= requested:
        return {}
    return {"attempts": requested, "scored": succeeded, "errored": requested - succeeded}


def evalscope_repeats(config: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> int:
    """How often each item was asked: a mean's `num` counts each time, that of pass@k the items."""
    if told := whole(config.get("repeats")):
        return max(1, told)
    by_kind: dict[bool, int] = {}
    for row in rows:
        of_items = evalscope_metric(evalscope_name(row), part(row, "identity")).startswith("pass_at_")
        by_kind[of_items] = max(whole(row.get("num")) or 0, by_kind.get(of_items, 0))
    times, rest = divmod(by_kind.get(False, 1), by_kind.get(True) or by_kind.get(False) or 1)
    return max(1, times) if not rest else 1


def evalscope_metric(name: str, identity: Mapping[str, Any]) -> str:
    """The shared id of a metric: acc -> accuracy, acc_pass@2 and accuracy joined by pass_at_k of 2 -> pass_at_2."""
    bare, rule = name.split(":", 1)[0].split("[", 1)[0].removeprefix("mean_"), identity.get("aggregation")
    if match := re.search(r"(?:^|_)pass@(\d+)$", bare):
        return f"pass_at_{match[1]}"
    if rule == "pass_at_k" and (k := whole(part(identity, "dimensions").get("k"))):
        return f"pass_at_{k}"
    shared = METRIC_IDS.get(bare, bare)
    apart = "" if rule in (None, "mean", "identity") else f"_{rule}"
    return single_line(
        "".join([shared, apart, *(f"_{axis}_{value}" for axis, value in part(identity, "dimensions").items())])
    )


def evalscope_score(row: Mapping[str, Any], judge: Mapping[str, Any], repeats: int) -> ScoreRead | None:
    """A metric of a report; None when it is no finite number. repeats: how often each item was asked."""
    value, name, meaning = finite(row.get("score")), evalscope_name(row), part(row, "semantics")
    if value is None:
        return None
    rule, count = part(row, "identity").get("aggregation"), whole(row.get("num"))
    known = evalscope_metric(name, part(row, "identity"))
    if count and not known.startswith("pass_at_") and count % repeats == 0:
        count //= repeats
    bounds = part(meaning, "value_range")
    unit = EVALSCOPE_UNITS.get((finite(bounds.get("min")), finite(bounds.get("max"))))
    stated = (unit, finite(bounds.get("min")), finite(bounds.get("max"))) if unit else None
    way = str(meaning.get("direction"))
    return ScoreRead(
        name,
        known,
        value,
        None if rule in (None, "mean", "identity") else str(rule),
        **direction_in("evalscope", name, way == "lower_is_better" if "better" in way else None),
        count=count or None,
        unit=stated or unit_in("evalscope", name),
        scorer=judge,
        rounding=EVALSCOPE_ROUNDING,
    )


def evalscope_subsets(metrics: Sequence[Mapping[str, Any]]) -> dict[str, tuple[float | None, int | None]]:
    """Score and size of each subset in the first metric: all ask the same items."""
    rows = [row for group in rows_of(metrics[0].get("categories")) for row in rows_of(group.get("subsets"))]
    return {
        single_line(row["name"]): (finite(row.get("score")), whole(row.get("num")))
        for row in rows
        if isinstance(row.get("name"), str) and "/" not in row["name"] and not row.get("is_aggregate")
    }


def evalscope_items(found: Mapping[str, Path], keys: Mapping[str, set[str]], several: bool) -> Iterator[AskedItem]:
    """The items of all subsets, one for each time that they were asked."""
    asked: dict[str, int] = {}
    for subset, path in found.items():
        for line in json_lines(path):
            item = evalscope_item(line, subset, keys)
            asked[item.id] = asked.get(item.id, 0) + 1
            if several:
                item.attempt = first(whole(part(line, "sample_score").get("generation_index")), asked[item.id] - 1)
            yield item


def evalscope_item(line: Mapping[str, Any], subset: str, keys: Mapping[str, set[str]]) -> AskedItem:
    """One line of a reviews file."""
    sample, score = part(line, "sample_score"), part(line, "sample_score", "score")
    given = {name: finite(value) for name, value in part(score, "value").items()}
    values: dict[str, float | None] = {}
    for name, own in keys.items():
        fits = [key for key in given if {key, f"mean_{key}", METRIC_IDS.get(key, key)} & own]
        values |= {name: given[fits[0]] if fits else None} if fits or not given or len(keys) == 1 else {}
    messages = rows_of(line.get("messages"))
    answers = [message_text(row.get("content")) for row in messages if row.get("role") == "assistant"][-1:]
    prompt = messages_text([row for row in messages if row.get("role") != "assistant"], None) if messages else None
    read, status = score.get("extracted_prediction"), score.get("status")
    metadata = bounded_metadata(part(sample, "sample_metadata")) | {"subset": subset}
    usable = status in (None, "success")
    return AskedItem(
        id=f"{subset}/{first(sample.get('group_id'), sample.get('sample_id'), line.get('index'))}",
        raw=prompt or str(line.get("input") or ""),
        references=all_texts(line.get("target")),
        answers=answers or all_texts(score.get("prediction")),
        values=values if usable else dict.fromkeys(values or keys),
        prompt=prompt,
        found=(read, "evalscope") if isinstance(read, str) and read else None,
        error=None if usable else f"evalscope says {single_line(status)}",
        generative=True,
        truncated=None,
        unparsed=read == "" if isinstance(read, str) else None,
        metadata=strings(metadata),
    )
