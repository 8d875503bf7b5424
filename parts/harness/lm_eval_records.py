"""Records and samples of lm-eval's answers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from parts.formats.values import as_detail
from parts.frame import slug
from parts.harness.lm_eval_tasks import TaskDoc, generates
from parts.harness.metric_names import shared_metric_id
from parts.harness.questions import question_details
from parts.harness.records import (
    engine_details,
    generation_block,
    library_block,
    metric_result,
    model_info,
    run_record,
    sample_line,
    single_turn,
    task_source,
)
from parts.harness.scorers import LM_EVAL_GENERATION, lm_eval_scorer, scorer_texts
from parts.harness.settings import Settings
from parts.harness.vocabulary import Engine, MetricScore, Model, Task


def lm_eval_config(task: Task, engine: Engine, settings: Settings) -> dict[str, Any]:
    """How answers were made."""
    arguments: dict[str, Any] = {}
    stops: list[str] | None = None
    others: dict[str, Any] = {}
    if generates(task):
        asked = task.docs[0].requests[0].args[1]
        greedy = not asked.get("do_sample") and not (asked.get("do_sample") is None and asked.get("temperature"))
        arguments = {"temperature": 0.0 if greedy else float(asked.get("temperature", 1.0))}
        arguments |= {name: asked[name] for name in ("top_p", "top_k") if not greedy and asked.get(name) is not None}
        arguments["max_tokens"] = most_tokens(asked)
        stops = task.docs[0].stops
        others = {name: as_detail(value) for name, value in asked.items() if name not in {*LM_EVAL_GENERATION, "until"}}
    details = others | {
        "few_shot": task.shots,
        "few_shot_split": fewshot_split(task.source) if task.shots != "0" else None,
        "stop": stops and json.dumps(stops, ensure_ascii=False),
        "seed": settings.seed,
        "repeats": settings.repeats if settings.repeats > 1 and generates(task) else None,
        "tensor_parallel_size": (settings.tensor_parallel_size or 1) if settings.backend == "vllm" else None,
        "sandbox": settings.sandbox if getattr(task.source, "UNSAFE_CODE", False) else None,
    }
    return generation_block(arguments, details | engine_details(engine, settings))


def fewshot_split(source: Any) -> str:
    """The split that a task takes its examples from."""
    config = source.config
    return config.fewshot_split or config.training_split or config.validation_split or "the evaluated split"


def most_tokens(asked: dict[str, Any]) -> int:
    """The token limit of a request to generate, under whichever of its names the task gave it."""
    names = ("max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens")
    return int(next((asked[name] for name in names if asked.get(name) is not None), 256))


def lm_eval_record(
    model: Model, task: Task, scores: Sequence[MetricScore], engine: Engine, settings: Settings, now: int
) -> dict[str, Any]:
    """A record without its reference to the samples file; the metrics of the first filter have the shared ids."""
    source, generation, first = task_source(task), lm_eval_config(task, engine, settings), None
    results = []
    for score in scores:
        metric, filtered = score.metric.split(",", 1)
        first = first or filtered
        name = shared_metric_id(metric) if filtered == first else f"{shared_metric_id(metric)}_{slug(filtered)}"
        names = f"{task.name}/{score.metric}", task.title
        more = question_details(task.questions) | {"filter": filtered}
        more |= scorer_texts(lm_eval_scorer(task.source.dump_config(), metric, filtered))
        results.append(metric_result(names, name, score, source, generation, **more))
    library = library_block("lm-eval", task, task.source.VERSION, settings)
    return run_record("lm_eval_vllm_uv.py", task.title, model_info(model, engine), library, results, now)


def lm_eval_row(
    record: dict[str, Any], result: dict[str, Any], item: TaskDoc, answer: list[str], extracted: str | None
) -> dict[str, Any]:
    """One line of a samples file, without score and error."""
    question: dict[str, Any] = {"raw": item.raw, "reference": item.reference}
    if len(item.choices) > 1:
        question["choices"] = item.choices
    question = item.question or question
    method = f"lm-eval {result['metric_config']['additional_details']['filter']}"
    found = None if extracted is None else (extracted, method)
    return sample_line(record, result, item.sample_id, question, item.prompt, single_turn(answer), found)
