"""Records and samples of lm-eval's answers."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from typing import Any

from parts.frame import slug
from parts.harness.lm_eval_tasks import Task, TaskDoc
from parts.harness.metric_names import shared_metric_id
from parts.harness.scores import BOOTSTRAP_DRAWS, model_info
from parts.harness.settings import Settings
from parts.harness.vocabulary import Engine, MetricScore, Model
from parts.private import shown_path
from parts.records.schema import SCHEMA_VERSION, strings


def data_source(task: Task) -> dict[str, Any]:
    """Where a task's items come from."""
    details = {"subset": task.dataset.subset, "split": ",".join(task.dataset.splits)}
    if task.dataset.sha256:
        details |= {"path": task.dataset.path, "data_files": task.data_files, "data_sha256": task.dataset.sha256}
        details |= {"samples_number": task.total}
        return {"dataset_name": task.title, "source_type": "other", "additional_details": strings(details)}
    return {
        "dataset_name": task.dataset.repo.split("/")[-1],
        "source_type": "hf_dataset",
        "hf_repo": task.dataset.repo,
        "hf_split": ",".join(task.dataset.splits),
        "samples_number": task.total,
        "additional_details": strings({**details, "revision": task.revision}),
    }


def generation_details(task: Task, engine: Engine, settings: Settings) -> dict[str, Any]:
    """How answers were made."""
    arguments: dict[str, Any] = {}
    stops: list[str] | None = None
    if task.generates:
        asked = task.docs[0].requests[0].args[1]
        greedy = not asked.get("do_sample") and not (asked.get("do_sample") is None and asked.get("temperature"))
        arguments = {"temperature": 0.0 if greedy else float(asked.get("temperature", 1.0))}
        arguments |= {name: asked[name] for name in ("top_p", "top_k") if not greedy and asked.get(name) is not None}
        arguments["max_tokens"] = most_tokens(asked)
        stops = task.docs[0].stops
    details = {
        "few_shot": task.shots,
        "few_shot_split": fewshot_split(task.source) if task.shots != "0" else None,
        "stop": stops and json.dumps(stops, ensure_ascii=False),
        "seed": settings.seed,
        "repeats": settings.repeats if settings.repeats > 1 and task.generates else None,
        "dtype": engine.dtype,
        "batch_size": engine.batch_size,
        "backend": settings.backend,
        "device": engine.device,
        "max_model_len": settings.max_model_len,
        "tensor_parallel_size": settings.tensor_parallel_size if settings.backend == "vllm" else None,
        "use_chat_template": settings.use_chat_template,
        "system_prompt": settings.system_prompt,
        "reasoning_tags": settings.reasoning_tags and " ".join(settings.reasoning_tags),
        "sandbox": settings.sandbox if getattr(task.source, "UNSAFE_CODE", False) else None,
        "limit": settings.limit,
        "trust_remote_code": settings.trust_remote_code,
    }
    return {"generation_args": arguments, "additional_details": strings(details)}


def fewshot_split(source: Any) -> str:
    """The split that a task takes its examples from."""
    config = source.config
    return config.fewshot_split or config.training_split or config.validation_split or "the evaluated split"


def most_tokens(asked: dict[str, Any]) -> int:
    """The token limit of a request to generate, under whichever of its names the task gave it."""
    names = ("max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens")
    return int(next((asked[name] for name in names if asked.get(name) is not None), 256))


def result_of(task: Task, score: MetricScore, main: bool, engine: Engine, settings: Settings) -> dict[str, Any]:
    """One metric as it stands in a record; that of the task's first filter alone (`main`) has the shared id."""
    uncertainty: dict[str, Any] = {"num_samples": score.samples}
    if score.standard_error is not None:
        uncertainty["standard_error"] = {"value": score.standard_error, "method": score.method}
    if score.method == "bootstrap":
        uncertainty["num_bootstrap_samples"] = BOOTSTRAP_DRAWS
    metric, filtered = score.metric.split(",", 1)
    config = {
        "metric_id": shared_metric_id(metric) if main else f"{shared_metric_id(metric)}_{slug(filtered)}",
        "metric_name": score.metric,
        "metric_unit": score.unit,
        "lower_is_better": score.lower_is_better,
        "min_score": score.low,
        "max_score": score.high,
        "additional_details": {"aggregation": score.aggregation, "filter": filtered},
    }
    if score.low is not None and score.high is not None:
        config["score_type"] = "continuous"
    return {
        "evaluation_result_id": f"{task.name}/{score.metric}",
        "evaluation_name": task.title,
        "source_data": data_source(task),
        "metric_config": {name: value for name, value in config.items() if value is not None},
        "score_details": {"score": score.value, "details": score.details, "uncertainty": uncertainty},
        "generation_config": generation_details(task, engine, settings),
    }


def make_record(
    model: Model, task: Task, scores: Sequence[MetricScore], engine: Engine, settings: Settings, now: int
) -> dict[str, Any]:
    """A record without its reference to the samples file."""
    first = scores[0].metric.split(",", 1)[1]
    library = {
        "command": settings.command,
        "task": task.name,
        "task_request": str(task.request),
        "task_group": task.group,
        "task_version": task.source.VERSION,
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
            "source_name": "lm_eval_vllm_uv.py",
            "source_type": "evaluation_run",
            "source_organization_name": "unknown",
            "evaluator_relationship": "third_party",
        },
        "model_info": model_info(model, engine),
        "eval_library": {
            "name": "lm-eval",
            "version": settings.versions["lm-eval"],
            "additional_details": strings(library),
        },
        "evaluation_results": [
            result_of(task, score, score.metric.endswith(f",{first}"), engine, settings) for score in scores
        ],
    }


def item_row(
    record: dict[str, Any], result: dict[str, Any], item: TaskDoc, answer: list[str], extracted: str | None
) -> dict[str, Any]:
    """One line of a samples file, without score and error."""
    question: dict[str, Any] = {"raw": item.raw, "reference": item.reference}
    if len(item.choices) > 1:
        question["choices"] = item.choices
    if item.prompt != item.raw:
        question["formatted"] = item.prompt
    found = []
    if extracted is not None:
        method = f"lm-eval {result['metric_config']['additional_details']['filter']}"
        found = [{"turn_idx": 0, "source": "output.raw", "extracted_value": extracted}]
        found = [found[0] | {"extraction_method": method, "is_terminal": True}]
    return {
        "schema_version": SCHEMA_VERSION,
        "evaluation_id": record["evaluation_id"],
        "model_id": record["model_info"]["id"],
        "evaluation_name": result["evaluation_name"],
        "evaluation_result_id": result["evaluation_result_id"],
        "sample_id": item.sample_id,
        "sample_hash": hashlib.sha256((item.raw + "".join(item.reference)).encode()).hexdigest(),
        "interaction_type": "single_turn",
        "input": question,
        "output": {"raw": answer},
        "answer_attribution": found,
        "evaluation": {"score": 0.0, "is_correct": False},
        "metadata": {"prompt_hash": hashlib.sha256(item.prompt.encode()).hexdigest()[:16]},
    }
