"""Records and samples of lighteval's answers."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from typing import Any

from parts.frame import slug
from parts.harness.lighteval_tasks import Task
from parts.harness.metric_names import metric_id
from parts.harness.scores import BOOTSTRAP_DRAWS, model_info
from parts.harness.settings import Settings
from parts.harness.vocabulary import Engine, MetricScore, Model
from parts.private import shown_path
from parts.records.schema import SCHEMA_VERSION, strings


def source_data(task: Task) -> dict[str, Any]:
    details = {"subset": task.dataset.subset, "split": ",".join(task.dataset.splits)}
    if task.dataset.path:
        details |= {"path": task.dataset.path, "data_sha256": task.dataset.sha256, "samples_number": task.total}
        return {"dataset_name": task.title, "source_type": "other", "additional_details": strings(details)}
    return {
        "dataset_name": task.dataset.repo.split("/")[-1],
        "source_type": "hf_dataset",
        "hf_repo": task.dataset.repo,
        "hf_split": ",".join(task.dataset.splits),
        "samples_number": task.total,
        "additional_details": strings({**details, "revision": task.revision}),
    }


def generation_config(task: Task, engine: Engine, settings: Settings) -> dict[str, Any]:
    generative = any(doc.sampling_methods and "GENERATIVE" in str(doc.sampling_methods) for doc in task.docs[:1])
    temperature = settings.temperature or 0.0
    arguments = {"temperature": temperature, "max_tokens": task.config.generation_size} if generative else {}
    details = {
        "few_shot": task.shots,
        "few_shot_split": (task.source.fewshot_split or "the evaluated split") if task.shots != "0" else None,
        "seed": settings.sampling_seed,
        "repeat": settings.repeat,
        "dtype": engine.dtype,
        "batch_size": engine.batch_size,
        "backend": settings.backend,
        "device": engine.device,
        "use_chat_template": settings.use_chat_template,
        "system_prompt": settings.system_prompt,
        "reasoning_tags": settings.reasoning_tags and " ".join(settings.reasoning_tags),
        "max_model_len": settings.max_model_len,
        "tensor_parallel_size": settings.tensor_parallel_size,
        "limit": settings.limit,
        "trust_remote_code": settings.trust_remote_code,
    }
    return {
        "generation_args": {name: value for name, value in arguments.items() if value is not None},
        "additional_details": strings(details),
    }


def evaluation_result(task: Task, score: MetricScore, engine: Engine, settings: Settings) -> dict[str, Any]:
    uncertainty: dict[str, Any] = {"num_samples": score.samples}
    if score.standard_error is not None:
        uncertainty["standard_error"] = {"value": score.standard_error, "method": score.method}
    if score.method == "bootstrap":
        uncertainty["num_bootstrap_samples"] = BOOTSTRAP_DRAWS
    config = {
        "metric_id": metric_id(score.metric),
        "metric_name": score.metric,
        "metric_unit": score.unit,
        "lower_is_better": score.lower_is_better,
        "min_score": score.low,
        "max_score": score.high,
        "additional_details": {"aggregation": score.aggregation},
    }
    if score.low is not None and score.high is not None:
        config["score_type"] = "continuous"
    return {
        "evaluation_result_id": f"{task.name}/{score.metric}",
        "evaluation_name": task.title,
        "source_data": source_data(task),
        "metric_config": {name: value for name, value in config.items() if value is not None},
        "score_details": {"score": score.value, "details": score.details, "uncertainty": uncertainty},
        "generation_config": generation_config(task, engine, settings),
    }


def make_record(
    model: Model, task: Task, scores: Sequence[MetricScore], engine: Engine, settings: Settings, now: int
) -> dict[str, Any]:
    """A record without its reference to the samples file."""
    library = {
        "command": settings.command,
        "task": task.name,
        "task_request": str(task.request),
        "task_group": task.group,
        "task_version": task.config.version,
        "settings_hash": settings.key,
        "custom_tasks": settings.custom_tasks and shown_path(settings.custom_tasks),
        "custom_tasks_sha256": settings.custom_tasks_sha256,
        "torch": settings.versions.get("torch"),
    }
    return {
        "schema_version": SCHEMA_VERSION,
        "evaluation_id": f"{slug(task.title)}/{model.id}/{now}",
        "evaluation_timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)),
        "retrieved_timestamp": str(now),
        "source_metadata": {
            "source_name": "lighteval_vllm_uv.py",
            "source_type": "evaluation_run",
            "source_organization_name": "unknown",
            "evaluator_relationship": "third_party",
        },
        "model_info": model_info(model, engine),
        "eval_library": {
            "name": "lighteval",
            "version": settings.versions["lighteval"],
            "additional_details": strings(library),
        },
        "evaluation_results": [evaluation_result(task, score, engine, settings) for score in scores],
    }


def sample_input(doc: Any) -> dict[str, Any]:
    """What an item asks, as the task defines it, and its references."""
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


def sample_row(
    record: dict[str, Any], result: dict[str, Any], sample: tuple[str, Any, str], answer: list[str], error: str | None
) -> dict[str, Any]:
    """One line of a samples file, without the score; `sample` is the item's id, the item and the prompt as sent."""
    sample_id, doc, prompt = sample
    question = sample_input(doc)
    digest = hashlib.sha256((question["raw"] + "".join(question["reference"])).encode()).hexdigest()
    if prompt != question["raw"]:
        question["formatted"] = prompt
    row = {
        "schema_version": SCHEMA_VERSION,
        "evaluation_id": record["evaluation_id"],
        "model_id": record["model_info"]["id"],
        "evaluation_name": result["evaluation_name"],
        "evaluation_result_id": result["evaluation_result_id"],
        "sample_id": sample_id,
        "sample_hash": digest,
        "interaction_type": "single_turn",
        "input": question,
        "output": {"raw": answer},
        "answer_attribution": extracted_answer(doc),
        "evaluation": {"score": 0.0, "is_correct": False},
        "metadata": {"prompt_hash": hashlib.sha256(prompt.encode()).hexdigest()[:16]},
    }
    return row | {"error": error} if error else row


def extracted_answer(doc: Any) -> list[dict[str, Any]]:
    """What a metric that extracts an answer from the text has found in it."""
    found = (doc.specific or {}).get("extracted_predictions") if isinstance(doc.specific, dict) else None
    if not found:
        return []
    row = {"turn_idx": 0, "source": "output.raw", "extracted_value": str(found[0])}
    return [row | {"extraction_method": "lighteval", "is_terminal": True}]
