"""Records and samples of scored predictions."""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import itertools
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from parts.frame import slug
from parts.metrics.answers import KeptAnswers
from parts.metrics.measure import counts_of, scored_count
from parts.metrics.vocabulary import Choices, Forecast, Item, Measurement, Metric, Rating, Scores, Subject, Vote
from parts.records.schema import PREDICTIONS_WRITER, SCHEMA_VERSION, strings
from parts.statistics.intervals import CONFIDENCE

SCORER_VERSION = "1"  # changes when the same predictions would get another score


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a record says beside its scores."""

    subject: Subject
    benchmark: str
    shots: int | None
    reading: Mapping[str, Any]  # how answers were read from predictions: decides scores, so readers compare it
    source: Mapping[str, Any]
    library: Mapping[str, str]
    now: int
    temperature: float | None = None
    sampling_seed: int | None = None  # of the answers, not of the draws here
    limit: int | None = None  # how many of the items were asked, where not all were
    answers: KeptAnswers | None = None  # of an evaluation, which says more than a file of predictions


def result_id(run: Evaluation, metric: Metric) -> str:
    """The stable id of a result: `<task>|<shots>/<metric>`, without shots where they are not known."""
    return f"{run.benchmark}{'' if run.shots is None else f'|{run.shots}'}/{metric.name}"


def uncertainty_of(scores: Scores) -> dict[str, Any]:
    """A record's uncertainty: what there is of standard error and interval, with the methods."""
    spread, found = scores.spread, {"num_samples": scored_count(scores)}
    if spread.standard_error is not None:
        found["standard_error"] = {"value": spread.standard_error, "method": spread.error_method}
    if spread.low is not None:
        bounds = {"lower": spread.low, "upper": spread.high, "confidence_level": CONFIDENCE}
        found["confidence_interval"] = bounds | {"method": spread.method}
    if spread.draws:
        found["num_bootstrap_samples"] = spread.draws
    return found


def metric_config(measurement: Measurement) -> dict[str, Any]:
    """What a record says of a metric."""
    metric, scores = measurement.metric, measurement.scores
    low, high = bounds_of(measurement)
    library = f"{metric.library} {library_version(metric.library)}" if metric.library else None
    config = {
        "metric_id": metric.id,
        "metric_name": metric.name,
        "metric_unit": metric.unit,
        "lower_is_better": metric.lower_is_better,
        "min_score": low,
        "max_score": high,
        "metric_parameters": {name: value for name, value in scores.parameters.items() if value is not None},
        "additional_details": strings(
            {"aggregation": metric.aggregation, "library": library, "statistics": scores.formula or None}
        ),
    }
    if low is not None and high is not None:
        config["score_type"] = "continuous"
    return {name: value for name, value in config.items() if value not in (None, {})}


def bounds_of(measurement: Measurement) -> tuple[float | None, float | None]:
    """The range of a metric, as the data decided it where they do."""
    metric, scores = measurement.metric, measurement.scores
    return (metric.low if scores.low is None else scores.low), (metric.high if scores.high is None else scores.high)


def library_version(name: str) -> str:
    """The installed version of a package."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def result_of(run: Evaluation, measurement: Measurement) -> dict[str, Any]:
    """One result of a record."""
    scores = measurement.scores
    details = counts_of(measurement)
    parameters = {name: value for name, value in scores.parameters.items() if value is not None}
    scoring = json.dumps(parameters, sort_keys=True) if parameters else None  # here the readers look for differences
    if scores.breakdown:
        details["breakdown"] = json.dumps(scores.breakdown, ensure_ascii=False)
    return {
        "evaluation_result_id": result_id(run, measurement.metric),
        "evaluation_name": run.benchmark,
        "source_data": dict(run.source),
        "metric_config": metric_config(measurement),
        "score_details": {"score": scores.value, "details": strings(details), "uncertainty": uncertainty_of(scores)},
        "generation_config": {
            **({"generation_args": {"temperature": run.temperature}} if run.temperature is not None else {}),
            "additional_details": strings(
                {
                    "few_shot": run.shots,
                    "limit": run.limit,
                    "seed": run.sampling_seed,
                    **run.reading,
                    "scoring": scoring,
                }
            ),
        },
    }


def record_of(run: Evaluation, measurements: Sequence[Measurement]) -> dict[str, Any]:
    """A record without its reference to the samples file."""
    more = {"deployment_type": "unknown", "model_availability": "unknown"}
    record = {
        "schema_version": SCHEMA_VERSION,
        "evaluation_id": f"{slug(run.benchmark)}/{run.subject.id}/{run.now}",
        "evaluation_timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(run.now)),
        "retrieved_timestamp": str(run.now),
        "source_metadata": {
            "source_name": PREDICTIONS_WRITER,
            "source_type": "evaluation_run",
            "source_organization_name": "unknown",
            "evaluator_relationship": "third_party",
        },
        "model_info": {
            "name": run.subject.name,
            "id": run.subject.id,
            "developer": run.subject.developer,
            "additional_details": more | dict(run.subject.details),
        },
        "eval_library": {
            "name": "score_predictions",
            "version": SCORER_VERSION,
            "additional_details": dict(run.library),
        },
        "evaluation_results": [result_of(run, measurement) for measurement in measurements],
    }
    return record if run.answers is None else run.answers.told(record)


def sample_of(item: Item) -> dict[str, Any]:
    """The part of a sample that does not depend on the metric; sample_hash is null without prompt and reference."""
    hashed = (item.prompt or "") + "".join(item.references)
    return {
        "sample_id": item.id,
        "sample_hash": hashlib.sha256(hashed.encode()).hexdigest() if hashed else None,
        "input": {"raw": item.prompt or "", "reference": item.references},
        "output": {"raw": item.outputs},
        "answer_attribution": [],
        "metadata": sample_metadata(item),
    }


def sample_metadata(item: Item) -> dict[str, str]:
    """What tells repeats and groups apart, what the prompt was, and what else the metric used."""
    found = {**dict(item.more), "cluster_id": item.group, "attempt": item.attempt}
    if item.prompt is not None:
        found["prompt_hash"] = hashlib.sha256(item.prompt.encode()).hexdigest()[:16]
    match item.value:
        case Forecast():
            found["confidence"] = repr(item.value.confidence)
        case Rating():
            found["rater"] = item.value.rater
        case Vote():
            found |= {"opponent": item.value.b, "rater": item.value.rater}
    return {name: value for name, value in found.items() if value is not None}


def extraction_of(item: Item, choices: Choices) -> list[dict[str, Any]]:
    """What --parse found in the prediction."""
    if choices.pattern is None or not isinstance(item.value, str):
        return []
    row = {"turn_idx": 0, "source": "output.raw", "extracted_value": item.value}
    return [row | {"extraction_method": "regex", "is_terminal": True}]


def sample_lines(
    run: Evaluation, record: Mapping[str, Any], measurement: Measurement, choices: Choices
) -> Iterator[bytes]:
    """The lines of the samples file about one result, in the order of the predictions.

    What is the same in every line is written once: a million lines take seconds that way.
    """
    import orjson

    same = {
        "schema_version": SCHEMA_VERSION,
        "evaluation_id": record["evaluation_id"],
        "model_id": run.subject.id,
        "evaluation_name": run.benchmark,
        "evaluation_result_id": result_id(run, measurement.metric),
        "interaction_type": "single_turn",
    }
    prefix = orjson.dumps(same)[:-1] + b","
    best = best_value(measurement)
    for item, value, reason, statistic in choices.watch(scored_items(measurement), "writing samples"):
        row = sample_of(item)
        if statistic is not None:
            row["metadata"]["statistics"] = json.dumps(statistic, ensure_ascii=False)
        row["answer_attribution"] = extraction_of(item, choices)
        row["evaluation"] = {"score": value, "is_correct": reason is None and value == best}
        if reason is not None:
            row["error"] = reason
        row = row if run.answers is None else run.answers.told_sample(row)
        yield prefix + orjson.dumps(row)[1:] + b"\n"


def scored_items(measurement: Measurement) -> list[tuple[Item, float, str | None, Any]]:
    """All items with their values, and their statistics where there are; 0 and the reason for those without.

    Those of an unparsed one are of an empty answer: what its reference adds, in no score.
    """
    scores = measurement.scores
    statistics = map(whole_numbers, scores.statistics) if scores.formula else itertools.repeat(None, len(scores.items))
    pairs = enumerate(zip(scores.items, scores.values.tolist(), statistics, strict=True))
    found = [
        (item, 0.0 if i in scores.reasons else value, scores.reasons.get(i), statistic)
        for i, (item, value, statistic) in pairs
    ]
    if not measurement.unparsed:
        return found
    empty = map(whole_numbers, scores.empty or [()] * len(measurement.unparsed))
    unparsed = ((item, 0.0, "unparsed", own or None) for item, own in zip(measurement.unparsed, empty, strict=True))
    return sorted([*found, *unparsed], key=lambda row: row[0].line)


def whole_numbers(values: Sequence[Any]) -> list[Any]:
    """Values with whole numbers written as such."""
    return [int(value) if isinstance(value, float) and value.is_integer() else value for value in values]


def best_value(measurement: Measurement) -> float | None:
    """The value of a perfect item: 1 for a right answer, the end of the range else, None where there is none."""
    low, high = bounds_of(measurement)
    if measurement.metric.family == "forecast" and measurement.metric.aggregation != "mean":
        return 1.0
    return low if measurement.metric.lower_is_better else high


def data_source(args: argparse.Namespace, benchmark: str, items: int | None) -> dict[str, Any]:
    """Where the benchmark's items come from, as far as the command line says it."""
    if args.dataset is None:
        details = {"split": args.split, "revision": args.dataset_revision, "samples_number": items}
        return {"dataset_name": benchmark, "source_type": "other", "additional_details": strings(details)}
    found = {
        "dataset_name": args.dataset.split("/")[-1], "source_type": "hf_dataset", "hf_repo": args.dataset,
        "hf_split": args.split, "samples_number": items,
        "additional_details": strings({"revision": args.dataset_revision}),
    }  # fmt: skip
    return {name: value for name, value in found.items() if value is not None}
