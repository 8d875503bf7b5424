"""Records and failures, written whole into an output folder."""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from dataclasses import asdict
from pathlib import Path
from typing import Any

from parts.frame import slug, write_whole
from parts.harness.settings import Settings
from parts.harness.vocabulary import Failed, Finished, Model, NamedTask


def write_record(output: Path, model: Model, task: NamedTask, record: dict[str, Any], samples: str) -> Finished:
    """Put a record and its samples in their place, the samples first, so that a record is never without them."""
    name = str(uuid.uuid4())
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
    return Finished(path, record, task.name)


def write_failure(
    output: Path, model: Model, task: NamedTask, settings: Settings, error: str, log: list[str]
) -> Failed:
    """Say on disk that a task gave no score, and why."""
    path = output / "data" / slug(task.title) / model.place / f"{uuid.uuid4()}_failure.json"
    kept = {name: value for name, value in asdict(settings).items() if name not in ("custom_tasks", "command")}
    content = {
        "failure_version": "1",
        "task": task.name,
        "model_id": model.id,
        "weights_sha256": model.weights_sha256,
        "path": model.path,
        "error": error,
        "time": str(int(time.time())),
        "settings": kept,
        "settings_hash": settings.key,
        "command": settings.command,
        "log": log,
    }
    write_whole(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    return Failed(path, model.id, task.name, error)
