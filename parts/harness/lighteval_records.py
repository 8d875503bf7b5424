"""Records and samples of lighteval's answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from parts.formats.values import stop_text
from parts.harness.metric_names import metric_ids
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
from parts.harness.scorers import lighteval_metric_scorer, scorer_texts
from parts.harness.settings import Settings
from parts.harness.vocabulary import Engine, MetricScore, Model, Scored, Task


def lighteval_generation(task: Task, engine: Engine, settings: Settings) -> dict[str, Any]:
    """How answers were made."""
    generative = any(doc.sampling_methods and "GENERATIVE" in str(doc.sampling_methods) for doc in task.docs[:1])
    temperature = settings.temperature or 0.0
    arguments = {"temperature": temperature, "max_tokens": task.source.config.generation_size} if generative else {}
    details = {
        "few_shot": task.shots,
        "few_shot_split": (task.source.fewshot_split or "the evaluated split") if task.shots != "0" else None,
        "stop": stop_text(task.source.config.stop_sequence) if generative else None,
        "seed": settings.sampling_seed,
        "repeat": settings.repeat,
        "tensor_parallel_size": settings.tensor_parallel_size,
    }
    return generation_block(arguments, details | engine_details(engine, settings))


def lighteval_record(
    model: Model,
    task: Task,
    scores: Sequence[tuple[Scored, MetricScore]],
    engine: Engine,
    settings: Settings,
    now: int,
) -> dict[str, Any]:
    """A record without its reference to the samples file."""
    source, generation = task_source(task), lighteval_generation(task, engine, settings)
    results, ids = [], metric_ids([row.metric for _, row in scores])
    for scored, row in scores:
        names = f"{task.name}/{row.metric}", task.title
        more = question_details(task.questions) | scorer_texts(lighteval_metric_scorer(scored.metric))
        results.append(metric_result(names, ids[row.metric], row, source, generation, **more))
    library = library_block("lighteval", task, task.source.config.version, settings)
    return run_record("lighteval_vllm_uv.py", task.title, model_info(model, engine), library, results, now)


def sample_input(doc: Any) -> dict[str, Any]:
    """What an item asks, as the task defines it, and its references."""
    if isinstance(doc.specific, dict) and "question" in doc.specific:
        return doc.specific["question"]
    choices = [str(choice) for choice in doc.choices or []]
    gold = doc.gold_index if isinstance(doc.gold_index, (list, tuple)) else [doc.gold_index]
    reference: list[str] = []
    for index in gold:
        if isinstance(index, int) and index < len(doc.choices or []):
            chosen = doc.choices[index]
            reference += [str(item) for item in chosen] if isinstance(chosen, (list, tuple)) else [str(chosen)]
    row: dict[str, Any] = {"raw": doc.query, "reference": reference}
    if len(choices) > 1 and "LOGPROBS" in str(doc.sampling_methods):
        row["choices"] = choices
    return row


def lighteval_row(
    record: dict[str, Any], result: dict[str, Any], sample: tuple[str, Any, str], answer: list[str], error: str | None
) -> dict[str, Any]:
    """One line of a samples file, without the score; `sample` is the item's id, the item and the prompt as sent."""
    sample_id, doc, prompt = sample
    found = (doc.specific or {}).get("extracted_predictions") if isinstance(doc.specific, dict) else None
    extracted = (str(found[0]), "lighteval") if found else None  # by a metric that reads an answer out of the text
    row = sample_line(record, result, sample_id, sample_input(doc), prompt, single_turn(answer), extracted)
    return row | {"error": error} if error else row
