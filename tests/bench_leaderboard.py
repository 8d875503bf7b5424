#!/usr/bin/env -S uv run --script
# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "duckdb>=1.4,<3",
#     "gradio>=6.16,<7",
#     "httpx2>=2,<3",
#     "huggingface_hub>=2.2,<3",
#     "lz4>=4,<5",
#     "numpy>=2,<3",
#     "orjson>=3.10,<4",
#     "python-dotenv>=1.1,<2",
#     "pyyaml>=6,<7",
#     "rich>=14,<16",
#     "tenacity>=9,<10",
# ]
# ///
"""How many requests `collect` makes, how long it takes on a Hub that is slow to answer, and how fast tables are.

The local Hub waits before every answer, so with N workers the requests alone take requests x latency / N seconds. The
second collect finds nothing changed: the Hub answers 304 and sends no body. Then tables, the rank ranges of 100,000
models, and a folder of records, read for the first time and again.

  uv run tests/bench_leaderboard.py
  uv run tests/bench_leaderboard.py --models 200 --workers 8 --latency 0.1

Exit codes: 0 done; 2 usage.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parent
SCRIPTS = TESTS.parent / "scripts"
COLLECT = """
import sys, time
begun = time.perf_counter()
sys.path.insert(0, sys.argv[1])
import leaderboard, huggingface_hub.hf_api, tenacity, duckdb, yaml
imported, computed = time.perf_counter(), time.process_time()
code = leaderboard.main(sys.argv[2:])
memory = next((int(line.split()[1]) // 1024 for line in open("/proc/self/status") if line.startswith("VmHWM")), 0)
print(imported - begun, time.perf_counter() - imported, memory, time.process_time() - computed, file=sys.stderr)
raise SystemExit(code)
"""


def collect(environment: dict[str, str], folder: str, workers: int, *which: str) -> tuple[float, float]:
    """Seconds of a collect in a process of its own, without its imports, and those of the processor."""
    command = [sys.executable, "-c", COLLECT, str(SCRIPTS), "collect", *which]
    command += ["--workers", str(workers), "--output-dir", f"{folder}/board"]
    done = subprocess.run(command, env=environment, capture_output=True, check=True, text=True)
    _, took, _, computed = map(float, done.stderr.splitlines()[-1].split())
    return took, computed


def bench_collect(args: argparse.Namespace) -> None:
    from leaderboard_data import fill_hub
    from local_hub import LocalHub

    with LocalHub() as hub, tempfile.TemporaryDirectory() as folder:
        fill_hub(hub, args.models)
        hub.latency = args.latency
        environment = {**os.environ, **hub.environment(folder), "XDG_CACHE_HOME": f"{folder}/cache"}
        for name in ("first collect", "second, nothing changed"):
            before = len(hub.requests)
            took, _ = collect(environment, folder, args.workers, "--author", "lab")
            requests = hub.requests[before:]
            ideal = len(requests) * args.latency / args.workers
            counts = json.loads(Path(folder, "board", "metadata.json").read_text(encoding="utf-8"))["requests"]
            by_model = Counter(r.path.split("/")[4] for r in requests if r.path.startswith("/api/models/lab/"))
            most, number = by_model.most_common(1)[0]
            pulls = sum(pull.status == "open" for pull in hub.pull_requests(f"lab/{most}"))
            print(
                f"{name}: {args.models} models, {len(requests)} requests, {len(requests) / args.models:.2f} a model, "
                f"at most {number} ({most}, {pulls} open pull requests; at most 5 + {pulls})"
            )
            print(f"  {took:.2f} s, {took / ideal:.2f} x (requests x latency / workers) (at most 1.30)")
            print(f"  {counts['not_modified']} answers not modified, {counts['bytes']:,} bytes of answers")


def keep_answers(hub: Any) -> None:
    """From now on the Hub has its answers ready: what is asked once more costs our processor nothing."""
    for server in hub.servers:
        made: dict[str, Any] = {}

        def ready(call: Any, dispatch: Any = server.dispatch, made: dict[str, Any] = made) -> Any:
            place = f"{call.path}?{sorted(call.query.items())}"
            if place not in made:
                made[place] = dispatch(call)
            return dataclasses.replace(made[place], headers=dict(made[place].headers))

        server.dispatch = ready


def bench_official(args: argparse.Namespace) -> None:
    """Every score of the official leaderboards: requests and time, where the Hub has its answers ready."""
    import yaml
    from local_hub import LocalHub

    with LocalHub() as hub, tempfile.TemporaryDirectory() as folder:
        for number in range(args.benchmarks):
            hub.create_benchmark(f"lab/bench-{number}", [f"bench_{number}"])
        for number in range(args.ranked):
            rows = [
                {
                    "dataset": {"id": f"lab/bench-{b}", "task_id": f"bench_{b}"},
                    "value": (37 * number + 11 * b) % 997 / 10,
                }
                for b in range(args.benchmarks)
            ]
            hub.create_repo(f"owner-{number // 10}/m{number}", files={".eval_results/x.yaml": yaml.safe_dump(rows)})
        environment = {**os.environ, **hub.environment(folder)}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed library is compiled once
        keep_answers(hub)
        collect(
            environment | {"XDG_CACHE_HOME": f"{folder}/warm", "HF_HOME": f"{folder}/warm"},
            folder,
            args.workers,
            "--official",
        )
        hub.latency, runs = args.latency, []
        for number in range(args.rounds):
            before, caches = len(hub.requests), f"{folder}/cache-{number}"
            fresh = environment | {"XDG_CACHE_HOME": caches, "HF_HOME": caches}
            runs.append(collect(fresh, folder, args.workers, "--official"))
            count = len(hub.requests) - before
        took, computed = min(runs)
        metadata = json.loads(Path(folder, "board", "metadata.json").read_text(encoding="utf-8"))
        ideal = count * args.latency / args.workers
        print(f"--official: {args.benchmarks} Benchmarks x {args.ranked} models, {metadata['counts']['rows']:,} scores")
        times = f"{took:.2f} s, {took / ideal:.2f} x (requests x latency / workers) (at most 1.30)"
        print(f"  {count} requests, best of {args.rounds}: {times}")
        print(f"  {computed:.2f} s of the processor, {ideal:.2f} s of waiting")


def bench_tables(rows: int) -> None:
    import leaderboard
    from leaderboard_data import write_made_up

    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        write_made_up(Path(folder), rows)
        written = time.perf_counter()
        engine, metadata = leaderboard.open_data(Path(folder))
        opened = time.perf_counter()
        for entry in metadata["benchmarks"]:
            leaderboard.rank_ranges(leaderboard.shown_scores(engine, None, [entry["key"]]))
        ranked = time.perf_counter()
    print(f"{rows:,} rows: made and written {written - begun:.2f} s, opened {opened - written:.3f} s, ", end="")
    ratio = (ranked - opened) / (opened - written)
    print(f"{len(metadata['benchmarks'])} rankings {ranked - opened:.2f} s, {ratio:.1f} x opening")


def bench_ranks() -> None:
    """Rank ranges of n models on one benchmark; twice the models should take little more than twice the time."""
    import leaderboard
    import numpy as np

    rng = np.random.default_rng(1)
    kinds = {
        "errors of one size": lambda values: np.full(len(values), 0.01),
        "errors from 0.005 to 0.03": lambda values: rng.uniform(0.005, 0.03, len(values)),
        "binomial errors of 30 to 14,042 items": lambda values: np.sqrt(
            (values + 0.01) * (1.01 - values) / rng.choice([30, 198, 500, 1319, 14042], len(values))
        ),
    }
    for name, errors in kinds.items():
        took = {}
        for count in (50_000, 100_000):
            values = rng.random(count)
            variances = errors(values) ** 2
            begun = time.process_time()
            leaderboard.significant_counts(values, values + 1e-3, variances)
            took[count] = time.process_time() - begun
        ratio = took[100_000] / took[50_000]
        least = f"{took[100_000]:.2f} s (at most 2), {ratio:.1f} x those of 50,000 (pair by pair: 4)"
        print(f"ranks of 100,000 models, {name}: {least}")


def write_store(root: Path, count: int) -> None:
    """Records in the layout of the datastore, one in a file, five collections."""
    rng = random.Random(1)
    tasks = (
        ("gsm8k", "GSM8K"),
        ("mmlu_pro", "MMLU-Pro"),
        ("bbh", "BBH"),
        ("hle", "Humanity's Last Exam"),
        ("own", "Own"),
    )
    for number in range(count):
        key, name = tasks[number % 5]
        model = f"lab-{number // 5 % 300}/made-up-{number // 5:05}"
        metric = {
            "metric_id": "accuracy",
            "metric_unit": "proportion",
            "lower_is_better": False,
            "score_type": "continuous",
        }
        result = {
            "evaluation_result_id": f"{key}|5/acc",
            "evaluation_name": name,
            "source_data": {"dataset_name": name, "source_type": "hf_dataset"},
            "metric_config": metric | {"min_score": 0, "max_score": 1},
            "score_details": {
                "score": rng.random(),
                "uncertainty": {"standard_error": {"value": 0.01}, "num_samples": 1000},
            },
            "generation_config": {"additional_details": {"few_shot": "5"}},
        }
        record = {
            "schema_version": "0.3.0",
            "evaluation_id": f"{key}/{model}/1750000000",
            "evaluation_timestamp": "1750000000",
            "source_metadata": {"source_type": "documentation", "source_name": "An index"},
            "model_info": {"id": model, "name": model},
            "evaluation_results": [result],
        }
        folder = root / "data" / key / model
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{uuid.UUID(int=rng.getrandbits(128), version=4)}.json"
        path.write_text(json.dumps(record, indent=2), encoding="utf-8")
        os.utime(path, (1_750_000_000, 1_750_000_000))


def bench_store(count: int) -> None:
    """collect --every-eval-ever of a folder, first and again, beside what opening and parsing the files alone takes."""
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder, "store")
        write_store(store, count)
        begun = time.perf_counter()
        for path in store.rglob("*.json"):
            json.loads(path.read_bytes())
        alone = time.perf_counter() - begun
        environment = {**os.environ, "XDG_CACHE_HOME": f"{folder}/cache"}
        command = [sys.executable, "-c", COLLECT, str(SCRIPTS), "collect", "--every-eval-ever", str(store)]
        command += ["--output-dir", f"{folder}/board"]
        for name in ("first", "again, nothing changed"):
            done = subprocess.run(command, env=environment, capture_output=True, check=True, text=True)
            _, seconds, memory, _ = done.stderr.splitlines()[-1].split()
            speed = f"{count / float(seconds):,.0f} records a second (229,000 in a minute: 3,817)"
            print(f"collect of {count:,} records, {name}: {speed}, {float(memory):.0f} MB")
            print(f"  {float(seconds):.1f} s, {float(seconds) / alone:.1f} x opening and parsing the files alone")


def run(args: argparse.Namespace) -> int:
    sys.path[:0] = [str(TESTS), str(SCRIPTS)]
    if not args.only_official:
        bench_collect(args)
    bench_official(args)
    if not args.only_official:
        bench_tables(args.rows)
        bench_ranks()
        bench_store(args.records)
    return 0


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=200, help="number of models (default: 200)")
    parser.add_argument("--workers", type=int, default=8, help="requests at the same time (default: 8)")
    parser.add_argument("--latency", type=float, default=0.1, help="seconds that each request takes (default: 0.1)")
    parser.add_argument("--benchmarks", type=int, default=40, help="official Benchmarks (default: 40)")
    parser.add_argument("--ranked", type=int, default=300, help="models on each of them (default: 300)")
    parser.add_argument("--rounds", type=int, default=3, help="collects of --official, the best is told (default: 3)")
    parser.add_argument("--only-official", action="store_true", help="measure collect --official alone")
    parser.add_argument("--rows", type=int, default=10_000, help="rows for the tables (default: 10000)")
    parser.add_argument("--records", type=int, default=20_000, help="records of the folder (default: 20000)")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    args = build_parser().parse_args(argv)
    return run(args)


if __name__ == "__main__":
    raise SystemExit(main())
