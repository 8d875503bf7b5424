"""Nightly runs as lm-eval 0.4 leaves them: timestamped files of each night in one folder, the weights overwritten.

`write_night` writes what `lm_eval run --model_args pretrained=models/candidate --output_path evals --log_samples` does.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path


def night_scores(seed: int, ability: float, n: int = 200) -> list[float]:
    """Whether each of n items is right; an item's difficulty is the same each night."""
    items = random.Random(1000)
    own = random.Random(seed)
    return [float(own.random() < min(1.0, max(0.0, ability + items.uniform(-0.3, 0.3)))) for _ in range(n)]


def write_weights(model: Path, content: bytes, when: datetime) -> None:
    """A model's folder with these weights, as old as `when`."""
    model.mkdir(parents=True, exist_ok=True)
    (model / "config.json").write_text("{}")
    weights = model / "model.safetensors"
    header = json.dumps({"w": {"dtype": "U8", "shape": [len(content)], "data_offsets": [0, len(content)]}}).encode()
    weights.write_bytes(len(header).to_bytes(8, "little") + header + content)
    os.utime(weights, (when.timestamp(), when.timestamp()))


def write_night(
    output: Path,
    model: str,
    when: datetime,
    scores: Sequence[float],
    *,
    task: str = "my_quiz",
    prompt: str = "Q: {{question}}\nA:",
    said: float | None = None,
    samples: bool = True,
    version: str = "0.4.13",
    limit: int | None = None,
) -> Path:
    """One night's results file below output/<model's name>; said: another score than the items' mean."""
    stamp = when.strftime("%Y-%m-%dT%H-%M-%S.%f")
    folder = output / model.replace("/", "__")
    folder.mkdir(parents=True, exist_ok=True)
    mean = sum(scores) / len(scores)
    error = (mean * (1 - mean) / (len(scores) - 1)) ** 0.5
    lines = [json.dumps(item_line(i, score, prompt)) for i, score in enumerate(scores)]
    config = {
        "task": task,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": f"{task}.jsonl"}},
        "test_split": "test",
        "doc_to_text": prompt,
        "doc_to_target": "{{answer}}",
        "doc_to_choice": "{{choices}}",
        "num_fewshot": 0,
        "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
        "output_type": "multiple_choice",
        "metadata": {"version": 1.0},
    }
    document = {
        "results": {
            task: {
                "alias": task,
                "sample_len": len(scores),
                "acc,none": mean if said is None else said,
                "acc_stderr,none": error,
            }
        },
        "configs": {task: config},
        "versions": {task: 1.0},
        "n-shot": {task: 0},
        "higher_is_better": {task: {"acc": True}},
        "n-samples": {task: {"original": 200, "effective": len(scores)}},
        "config": {
            "model": "hf",
            "model_args": {"pretrained": model, "dtype": "float32"},
            "batch_size": "16",
            "limit": limit,
            "random_seed": 0,
        },
        "git_hash": None,
        "date": when.timestamp(),
        "lm_eval_version": version,
        "transformers_version": "5.0.0",
        "model_name": model,
        "model_name_sanitized": model.replace("/", "__"),
        "task_hashes": {task: hashlib.sha256("".join(lines).encode()).hexdigest()} if samples else {},
        "total_evaluation_time_seconds": "12.3",
    }
    path = folder / f"results_{stamp}.json"
    path.write_text(json.dumps(document, indent=2))
    if samples:
        (folder / f"samples_{task}_{stamp}.jsonl").write_text("".join(f"{line}\n" for line in lines))
    return path


def item_line(number: int, score: float, prompt: str) -> dict:
    """One line of a samples file: a question with four choices."""
    text = prompt.replace("{{question}}", f"What is {number} + 1?")
    choices = [str(number + k) for k in range(1, 5)]
    best = 0 if score else 1
    chances = [(-0.5 if k == best else -3.0, k == best) for k in range(4)]
    return {
        "doc_id": number,
        "doc": {"question": f"What is {number} + 1?", "choices": choices, "answer": 0},
        "target": "0",
        "arguments": {f"gen_args_{k}": {"arg_0": text, "arg_1": f" {choice}"} for k, choice in enumerate(choices)},
        "resps": [[[str(value), str(greedy)]] for value, greedy in chances],
        "filtered_resps": [[str(value), str(greedy)] for value, greedy in chances],
        "filter": "none",
        "metrics": ["acc"],
        "doc_hash": hashlib.sha256(f"doc{number}".encode()).hexdigest(),
        "prompt_hash": hashlib.sha256(text.encode()).hexdigest(),
        "target_hash": hashlib.sha256(b"0").hexdigest(),
        "acc": score,
    }


def night(day: int, hour: int = 2) -> datetime:
    """A night in March 2026."""
    return datetime(2026, 3, day, hour, tzinfo=UTC)
