#!/usr/bin/env -S uv run --script
# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "duckdb>=1.4,<3",
#     "httpx2>=2,<3",
#     "huggingface_hub>=2.2,<3",
#     "lz4>=4,<5",
#     "numpy>=2,<3",
#     "python-dotenv>=1.1,<2",
#     "pyyaml>=6,<7",
#     "rich>=14,<16",
#     "tenacity>=9,<10",
# ]
# ///
"""How many requests `collect` makes, how long it takes on a Hub that is slow to answer, and how fast tables are.

The local Hub waits before every answer, so with N workers the requests alone take requests x latency / N seconds. The
second collect finds nothing changed: the Hub answers 304 and sends no body. Rank ranges compare all pairs of models.

  uv run tests/bench_leaderboard.py
  uv run tests/bench_leaderboard.py --models 200 --workers 8 --latency 0.1

Exit codes: 0 done; 2 usage.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

TESTS = Path(__file__).resolve().parent
SCRIPTS = TESTS.parent / "scripts"
COLLECT = """
import sys, time
begun = time.perf_counter()
sys.path.insert(0, sys.argv[1])
import leaderboard, huggingface_hub.hf_api, tenacity, duckdb, yaml
imported = time.perf_counter()
code = leaderboard.main(sys.argv[2:])
print(imported - begun, time.perf_counter() - imported, file=sys.stderr)
raise SystemExit(code)
"""


def collect(environment: dict[str, str], folder: str, workers: int) -> float:
    """Seconds of a collect in a process of its own, without its imports."""
    command = [sys.executable, "-c", COLLECT, str(SCRIPTS), "collect", "--author", "lab"]
    command += ["--workers", str(workers), "--output-dir", f"{folder}/board"]
    done = subprocess.run(command, env=environment, capture_output=True, check=True, text=True)
    return float(done.stderr.splitlines()[-1].split()[1])


def bench_collect(args: argparse.Namespace) -> None:
    from leaderboard_data import fill_hub
    from local_hub import LocalHub

    with LocalHub() as hub, tempfile.TemporaryDirectory() as folder:
        fill_hub(hub, args.models)
        hub.latency = args.latency
        environment = {**os.environ, **hub.environment(folder), "XDG_CACHE_HOME": f"{folder}/cache"}
        for name in ("first collect", "second, nothing changed"):
            before = len(hub.requests)
            took = collect(environment, folder, args.workers)
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
    print(f"{len(metadata['benchmarks'])} rankings {ranked - opened:.2f} s")
    rng = random.Random(1)
    for count in (100, 1000, 5000):
        made = [
            {"model": str(n), "comparable": rng.random(), "comparable_error": 0.01, "lower_is_better": False}
            for n in range(count)
        ]
        begun = time.perf_counter()
        leaderboard.rank_ranges(made)
        print(f"rank ranges of {count:,} models on one benchmark: {time.perf_counter() - begun:.3f} s")


def run(args: argparse.Namespace) -> int:
    sys.path[:0] = [str(TESTS), str(SCRIPTS)]
    bench_collect(args)
    bench_tables(args.rows)
    return 0


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=200, help="number of models (default: 200)")
    parser.add_argument("--workers", type=int, default=8, help="requests at the same time (default: 8)")
    parser.add_argument("--latency", type=float, default=0.1, help="seconds that each request takes (default: 0.1)")
    parser.add_argument("--rows", type=int, default=10_000, help="rows for the tables (default: 10000)")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    args = build_parser().parse_args(argv)
    return run(args)


if __name__ == "__main__":
    raise SystemExit(main())
