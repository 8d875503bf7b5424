"""Records with samples for tests: right by default, each part of them changeable."""

from __future__ import annotations

import hashlib
import json
import math
import uuid
from pathlib import Path
from typing import Any


def write_record(
    folder: Path,
    model: str,
    scores: list[float | None],
    *,
    task: str = "my_quiz",
    metric: str = "accuracy",
    shots: int = 0,
    score: float | None = None,
    n: int | None = None,
    unit: str = "proportion",
    lower: bool = False,
    aggregation: str = "mean",
    samples: bool = True,
    rows: list[dict[str, Any]] | None = None,
    metadata: Any = None,
    counts: dict[str, int] | None = None,
    settings: dict[str, Any] | None = None,
    arguments: dict[str, Any] | None = None,
    metric_details: dict[str, str] | None = None,
    details: dict[str, Any] | None = None,
    source: dict[str, Any] | None = None,
    library: tuple[str, str] = ("lighteval", "0.13.0"),
    when: str = "2026-03-12T02:00:00Z",
    error: float | None = None,
    error_method: str = "analytic",
    prompt: str = "p",
) -> Path:
    """A record of one result over items q0, q1, ...; None: the attempt was lost. Returns the record's file."""
    known = [value for value in scores if value is not None]
    name = model.rsplit("/", 1)[-1]
    identity = str(uuid.uuid4())
    result_id = f"{task}|{shots}/{metric}"
    uncertainty: dict[str, Any] = {"num_samples": len(known) if n is None else n}
    if error is not None:
        uncertainty["standard_error"] = {"value": error, "method": error_method}
    config = {"metric_id": metric, "metric_unit": unit, "lower_is_better": lower}
    if unit == "proportion":
        config |= {"min_score": 0.0, "max_score": 1.0, "score_type": "continuous"}
    config["additional_details"] = {"aggregation": aggregation} | (metric_details or {})
    record: dict[str, Any] = {
        "schema_version": "0.3.0",
        "evaluation_id": f"{task}/{model}/{identity}",
        "evaluation_timestamp": when,
        "retrieved_timestamp": "1770000000",
        "source_metadata": {
            "source_name": "writer",
            "source_type": "evaluation_run",
            "source_organization_name": "unknown",
            "evaluator_relationship": "third_party",
        },
        "model_info": {"name": name, "id": model, "developer": "me", "additional_details": details or {}},
        "eval_library": {"name": library[0], "version": library[1]},
        "evaluation_results": [
            {
                "evaluation_result_id": result_id,
                "evaluation_name": task,
                "source_data": {"dataset_name": task.split(":")[0], "source_type": "other"} | (source or {}),
                "metric_config": config,
                "score_details": {
                    "score": math.fsum(known) / max(1, len(known)) if score is None else score,
                    "details": {key: str(count) for key, count in (counts or {}).items()},
                    "uncertainty": uncertainty,
                },
                "generation_config": {
                    "generation_args": arguments or {},
                    "additional_details": {"few_shot": str(shots)}
                    | {key: str(value) for key, value in (settings or {}).items()},
                },
            }
        ],
    }
    if rows is None:
        rows = [sample_row(i, value, prompt, metadata) for i, value in enumerate(scores)]
    about = {"evaluation_id": record["evaluation_id"], "evaluation_name": task, "evaluation_result_id": result_id}
    place = folder / "data" / task.replace(":", "_") / "me" / name
    place.mkdir(parents=True, exist_ok=True)
    if samples:
        content = "".join(json.dumps(about | row) + "\n" for row in rows)
        (place / f"{identity}_samples.jsonl").write_text(content)
        checksum = hashlib.sha256(content.encode()).hexdigest()
        record["detailed_evaluation_results"] = {
            "format": "jsonl",
            "file_path": f"{identity}_samples.jsonl",
            "hash_algorithm": "sha256",
            "checksum": checksum,
            "total_rows": len(rows),
        }
    path = place / f"{identity}.json"
    path.write_text(json.dumps(record))
    return path


def sample_row(i: int, value: float | None, prompt: str = "p", metadata: Any = None) -> dict[str, Any]:
    """One line of a samples file: item `i` with its score, or lost."""
    row = {
        "sample_id": f"q{i}",
        "sample_hash": f"h{i}",
        "input": {"raw": f"question {i}", "reference": ["1"]},
        "output": {"raw": ["1"]},
        "evaluation": {"score": value or 0.0, "is_correct": bool(value)},
        "metadata": {"prompt_hash": f"{prompt}{i}"} | (metadata(i) if metadata else {}),
    }
    return row | ({"error": "the grader gave no grade"} if value is None else {})
