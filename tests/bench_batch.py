#!/usr/bin/env -S uv run --script
# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "httpx2>=2,<3",
#     "huggingface_hub>=2.2,<3",
#     "jsonschema>=4.23,<5",
#     "lxml>=6,<7",
#     "orjson>=3.10,<4",
#     "pyromark>=0.10,<0.11",
#     "python-dotenv>=1.1,<2",
#     "pyyaml>=6,<7",
#     "rich>=14,<16",
#     "tenacity>=9,<10",
# ]
# ///
"""Time `batch` on a local Hub with latency: requests for each model, and the ratio to what the latency alone takes.

examples:
  uv run tests/bench_batch.py
  uv run tests/bench_batch.py --models 100 --workers 8 --latency 0.1
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parent))  # local_hub, which --help does not need
if TYPE_CHECKING:
    from local_hub import LocalHub

CARD = """---
license: mit
pipeline_tag: text-generation
---
# {name}

A made-up model; its scores are invented.

## Evaluation

| Benchmark | {name} |
|---|---|
| GSM8K (5-shot) | {gsm8k} |
| MMLU-Pro | {mmlu_pro} |
"""


def make_models(hub: LocalHub, count: int) -> list[str]:
    """Repos lab/made-up-N, each with a card that holds one evaluation table, and the Benchmarks; returns the ids."""
    from local_hub import BENCHMARKS

    for dataset_id, (name, tasks, _) in BENCHMARKS.items():
        if ("datasets", dataset_id) not in hub.repos:
            hub.create_benchmark(dataset_id, tasks, name)
    repo_ids = []
    for number in range(count):
        name = f"made-up-{number:03}"
        card = CARD.format(name=name, gsm8k=round(30 + number / 2, 1), mmlu_pro=round(10 + number / 3, 1))
        hub.create_repo(f"lab/{name}", files={"README.md": card}, trending=count - number)
        repo_ids.append(f"lab/{name}")
    return repo_ids


BATCH = """
import sys, time
begun = time.perf_counter()
sys.path.insert(0, sys.argv[1])
import evaluation_manager, huggingface_hub.hf_api, lxml.html, pyromark, tenacity
imported = time.perf_counter()
code = evaluation_manager.main(sys.argv[2:])
print(imported - begun, time.perf_counter() - imported, file=sys.stderr)
raise SystemExit(code)
"""


def batch(hub: LocalHub, folder: str, workers: int) -> tuple[float, float]:
    """Seconds that the imports take, and the batch over all models, in a process of its own."""
    environment = {**os.environ, **hub.environment(folder, hub.token)}
    scripts = Path(__file__).resolve().parents[1] / "scripts"
    command = [sys.executable, "-c", BATCH, str(scripts), "batch", "--author", "lab", "--workers", str(workers)]
    command += ["--output-dir", f"{folder}/batch"]
    done = subprocess.run(command, env=environment, capture_output=True, check=True, text=True)
    imports, took = map(float, done.stderr.splitlines()[-1].split())
    return imports, took


def run(args: argparse.Namespace) -> int:
    from local_hub import LocalHub

    with LocalHub() as hub, tempfile.TemporaryDirectory() as folder:
        make_models(hub, args.models)
        hub.latency = args.latency
        imports, took = batch(hub, folder, args.workers)
        counts = json.loads(Path(folder, "batch", "summary.json").read_text(encoding="utf-8"))["counts"]
    requests = len(hub.requests)
    ideal = requests * args.latency / args.workers
    print(f"{args.models} models, {counts['found']} with something new: {requests} requests, ", end="")
    print(f"{requests / args.models:.2f} a model (at most 5)")
    print(f"{took:.2f} s, {took / ideal:.2f} x (requests x latency / workers) (at most 1.30); imports {imports:.2f} s")
    return 0


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=100, help="number of models (default: 100)")
    parser.add_argument("--workers", type=int, default=8, help="requests at the same time (default: 8)")
    parser.add_argument("--latency", type=float, default=0.1, help="seconds that each request takes (default: 0.1)")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    args = build_parser().parse_args(argv)
    return run(args)


if __name__ == "__main__":
    raise SystemExit(main())
