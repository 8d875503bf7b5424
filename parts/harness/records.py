"""Records, samples and failures of a run: the blocks that all harnesses fill, and the files, written whole."""

from __future__ import annotations

import hashlib
import json
import os
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from parts.frame import slug, write_whole
from parts.harness.models import adapter_sha256, beside_sha256
from parts.harness.scores import BOOTSTRAP_DRAWS
from parts.harness.settings import Settings
from parts.harness.vocabulary import Engine, Failed, Finished, MetricScore, Model, Task
from parts.names import PACKAGES_VARIABLE
from parts.outgoing import without_secrets
from parts.private import shown_path
from parts.records.schema import SCHEMA_VERSION, strings
from parts.seal import remember_own


def run_record(
    script: str, title: str, model: Mapping[str, Any], library: Mapping[str, Any], results: Sequence[Any], now: int
) -> dict[str, Any]:
    """A record without its reference to the samples file.

    `title` is the task's name without the number of examples, `model` and `library` are blocks of the schema, `now` the
    time in seconds.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "evaluation_id": f"{slug(title)}/{model['id']}/{now}",
        "evaluation_timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)),
        "retrieved_timestamp": str(now),
        "source_metadata": {
            "source_name": script,
            "source_type": "evaluation_run",
            "source_organization_name": "unknown",
            "evaluator_relationship": "third_party",
        },
        "model_info": dict(model),
        "eval_library": dict(library),
        "evaluation_results": list(results),
    }


def model_marks(model: Model) -> dict[str, str | None]:
    """What tells a model from all others, in a record and in a failure."""
    return {
        "checkpoint": model.checkpoint,
        "revision": model.revision,
        "subfolder": model.below or None,
        "path": model.path,
        "weights_sha256": model.weights_sha256,
        "adapter": model.base and (model.path or model.repo),
        "base_model": model.base and model.base.label,
    }


def model_info(model: Model, engine: Engine) -> dict[str, Any]:
    """The model_info of a record of a model that runs here."""
    details = {
        "deployment_type": "self_deployed",
        "model_availability": "unknown" if model.path else "open_weights",
        "step": model.step,
        **model_marks(model),
        "base_revision": model.base and model.base.revision,
        "base_weights_sha256": model.base and model.base.weights_sha256,
        "adapter_config_sha256": adapter_sha256(model),
        "model_files_sha256": beside_sha256(model),
        "loaded_checksum": engine.checksum,
        "loaded_proof": engine.proof,
    }
    return {
        "name": model.id.split("/", 1)[-1],
        "id": model.id,
        "developer": model.developer,
        "inference_engine": {"name": engine.name, "version": engine.version},
        "additional_details": strings(details),
    }


def library_block(name: str, task: Task, version: Any, settings: Settings) -> dict[str, Any]:
    """The eval_library of a record of lighteval or lm-eval; `name` is that of its package, `version` the task's."""
    details = {
        "command": settings.command,
        "task": task.name,
        "task_request": str(task.request),
        "task_group": task.group,
        "task_version": version,
        "settings_hash": settings.key,
        "custom_tasks": settings.custom_tasks and shown_path(settings.custom_tasks),
        "custom_tasks_sha256": settings.custom_tasks_sha256,
        "torch": settings.versions.get("torch"),
        "packages_sha256": os.environ.get(PACKAGES_VARIABLE),
    }
    return {"name": name, "version": settings.versions[name], "additional_details": strings(details)}


def task_source(task: Task) -> dict[str, Any]:
    """The source_data of a record: a data set of the Hub, or local data known by their hash."""
    data = task.dataset
    details: dict[str, Any] = {"subset": data.subset, "split": ",".join(data.splits) or None}
    if data.sha256 or not data.repo:
        details |= {"path": data.path, "data_files": data.files, "data_sha256": data.sha256 or task.items_sha256}
        details |= {"samples_number": task.total}
        return {"dataset_name": task.title, "source_type": "other", "additional_details": strings(details)}
    block = {
        "dataset_name": data.repo.split("/")[-1],
        "source_type": "hf_dataset",
        "hf_repo": data.repo,
        "hf_split": details["split"],
        "samples_number": task.total,
        "additional_details": strings({**details, "revision": task.revision}),
    }
    return {name: value for name, value in block.items() if value is not None}


def engine_details(engine: Engine, settings: Settings) -> dict[str, Any]:
    """What of a generation_config lighteval and lm-eval say alike."""
    return {
        "dtype": engine.dtype,
        "batch_size": engine.batch_size,
        "backend": settings.backend,
        "device": engine.device,
        "use_chat_template": settings.use_chat_template,
        "system_prompt": settings.system_prompt,
        "reasoning_tags": settings.reasoning_tags and " ".join(settings.reasoning_tags),
        "max_model_len": settings.max_model_len,
        "limit": settings.limit,
        "trust_remote_code": settings.trust_remote_code,
    }


def generation_block(arguments: Mapping[str, Any], details: Mapping[str, Any]) -> dict[str, Any]:
    """The generation_config of a record: what the schema names, and everything else."""
    given = {name: value for name, value in arguments.items() if value is not None}
    return {"generation_args": given, "additional_details": strings(dict(details))}


def metric_result(
    names: tuple[str, str], metric_id: str, score: MetricScore, source: Any, generation: Any, **more: str
) -> dict[str, Any]:
    """One evaluation_result; `names`: its id and its evaluation_name, `more`: details of the metric."""
    uncertainty: dict[str, Any] = {"num_samples": score.samples}
    if score.standard_error is not None:
        uncertainty["standard_error"] = {"value": score.standard_error, "method": score.method}
    if score.method == "bootstrap":
        uncertainty["num_bootstrap_samples"] = BOOTSTRAP_DRAWS
    config = {
        "metric_id": metric_id,
        "metric_name": score.metric,
        "metric_unit": score.unit,
        "lower_is_better": score.lower_is_better,
        "min_score": score.low,
        "max_score": score.high,
        "additional_details": {"aggregation": score.aggregation, **more},
    }
    if score.low is not None and score.high is not None:
        config["score_type"] = "continuous"
    return {
        "evaluation_result_id": names[0],
        "evaluation_name": names[1],
        "source_data": source,
        "metric_config": {name: value for name, value in config.items() if value is not None},
        "score_details": {"score": score.value, "details": score.details, "uncertainty": uncertainty},
        "generation_config": generation,
    }


def sample_line(
    record: Mapping[str, Any],
    result: Mapping[str, Any],
    sample_id: str,
    question: dict[str, Any],
    prompt: str,
    interaction: Mapping[str, Any],
    extracted: tuple[str, str] | None = None,
) -> dict[str, Any]:
    """One line of a samples file, without score and error.

    question: the item as the task defines it (`raw`, `reference`, `choices`, and `metadata` that the file has of it);
    prompt: the text as sent; extracted: what was found in the answer, and by what.
    """
    found = []
    if extracted is not None:
        found = [{"turn_idx": 0, "source": "output.raw", "extracted_value": extracted[0]}]
        found = [found[0] | {"extraction_method": extracted[1], "is_terminal": True}]
    metadata = question.get("metadata") or {}
    question = {name: value for name, value in question.items() if name != "metadata"}
    text = question["raw"] + "".join(question["reference"])
    return {
        "schema_version": SCHEMA_VERSION,
        "evaluation_id": record["evaluation_id"],
        "model_id": record["model_info"]["id"],
        "evaluation_name": result["evaluation_name"],
        "evaluation_result_id": result["evaluation_result_id"],
        "sample_id": sample_id,
        "sample_hash": hashlib.sha256(text.encode()).hexdigest(),
        "input": question | ({"formatted": prompt} if prompt != question["raw"] else {}),
        **interaction,
        "answer_attribution": found,
        "evaluation": {"score": 0.0, "is_correct": False},
        "metadata": {"prompt_hash": hashlib.sha256(prompt.encode()).hexdigest()[:16], **metadata},
    }


def single_turn(answer: Sequence[str]) -> dict[str, Any]:
    """The interaction of an item that was asked once, or in several repeats."""
    return {"interaction_type": "single_turn", "output": {"raw": list(answer)}}


def result_named(record: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The evaluation_result with an id."""
    return next(row for row in record["evaluation_results"] if row["evaluation_result_id"] == name)


def json_line(row: Mapping[str, Any]) -> str:
    """A row of a samples file."""
    return json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n"


def write_record(output: Path, model: Model, task: Task, record: dict[str, Any], samples: str) -> Finished:
    """Put a record and its samples in their place, the samples first, so that a record is never without them."""
    name, samples = str(uuid.uuid4()), without_secrets(samples)  # as they are written, so that the checksum is theirs
    folder = Path("data") / slug(task.title) / model.place
    record["detailed_evaluation_results"] = {
        "format": "jsonl",
        "file_path": (folder / f"{name}_samples.jsonl").as_posix(),
        "hash_algorithm": "sha256",
        "checksum": hashlib.sha256(samples.encode()).hexdigest(),
        "total_rows": samples.count("\n"),
    }
    path = output / folder / f"{name}.json"
    write_whole(path.with_name(f"{name}_samples.jsonl"), samples)
    write_whole(path, json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    remember_own(path)
    return Finished(path, record, task.name)


def write_failure(output: Path, model: Model, task: Task, settings: Settings, error: str, log: list[str]) -> Failed:
    """Say on disk that a task gave no score, and why."""
    path = output / "data" / slug(task.title) / model.place / f"{uuid.uuid4()}_failure.json"
    kept = {name: value for name, value in asdict(settings).items() if name not in ("custom_tasks", "command")}
    content = {
        "failure_version": "1",
        "task": task.name,
        "model_id": model.id,
        **model_marks(model),
        "error": error,
        "time": str(int(time.time())),
        "settings": kept,
        "settings_hash": settings.key,
        "command": settings.command,
        "log": log,
    }
    write_whole(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    return Failed(path, model.label, task.name, error)
