#!/usr/bin/env -S uv run --script
# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "huggingface_hub>=2.2,<3",
#     "markdown-it-py>=4,<5",
#     "matplotlib>=3.10,<4",
#     "numpy>=2,<3",
#     "orjson>=3.10,<4",
#     "python-dotenv>=1.1,<2",
#     "pyyaml>=6,<7",
#     "rich>=14,<16",
#     "scipy>=1.15,<2",
#     "threadpoolctl>=3.5,<4",
# ]
# ///
"""Time the statistics of benchmark_calculator.py and compare_results.py, and their peak memory; nothing is asserted.

  uv run tests/bench_statistics.py
  uv run tests/bench_statistics.py --rounds 1 --json

"statistics": everything between the items and the finished ranking, on arrays. The others are whole processes on
records (and samples) on disk, their reading included. Seconds are those of the processor, the best of some rounds; each
ratio is to a floor: a matrix product of scores and draws for "statistics", parsing the same files for the others.

Exit codes: 0 done; 2 it could not be done.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"
SCRIPT = SCRIPTS / "benchmark_calculator.py"
ITEMS = 1000
PARSE = """
import os, sys, orjson
for base, _, names in os.walk(sys.argv[1]):
    for name in names:
        with open(os.path.join(base, name), "rb") as file:
            for line in file if name.endswith(".jsonl") else [file.read()] if name.endswith(".json") else ():
                orjson.loads(line)
"""


@dataclass(frozen=True)
class Timing:
    """Seconds of the best round, the most memory that a round took, the target, and how many floors that is."""

    name: str
    seconds: float
    megabytes: float
    target: float
    floor: float


def on_arrays(checkpoints: int) -> None:
    """Print the seconds of the statistics of that many checkpoints on 15 tasks; for a process of its own."""
    sys.path.insert(0, str(SCRIPT.parent))
    import benchmark_calculator as bc
    import numpy as np
    from threadpoolctl import threadpool_limits

    vocabulary, options = bc.read_vocabulary(), bc.Options()
    generator = np.random.default_rng(0)
    items = {
        task: bc.ItemScores(
            tuple(map(str, range(ITEMS))),
            np.arange(ITEMS),
            (generator.random(ITEMS) < np.linspace(0.4, 0.6, checkpoints)[:, None]).astype(float),
        )
        for task in bc.STEP_FORMULAS
    }
    ranked = []
    for i in range(checkpoints):
        scores = {task: bc.Estimate(float(own.scores[i].mean()), 0.01, ITEMS) for task, own in items.items()}
        one = bc.rank_one(bc.Checkpoint(f"step_{i}", Path(), i), scores, vocabulary, options)
        ranked.append(bc.replace(one, tasks={task: {task: score} for task, score in scores.items()}))
    ranking = bc.Ranking("measured", options.overall, tuple(items), tuple(ranked), *bc.choose_best(ranked), ())
    begun = time.perf_counter()
    with threadpool_limits(1):
        done = bc.settled(bc.with_statistics(ranking, items, vocabulary, options), {})
        ended = time.perf_counter()
        weights = generator.random((10_000, ITEMS), np.float32)
        for own in items.values():
            own.scores.astype(np.float32) @ weights.T
    print(ended - begun, time.perf_counter() - ended)
    assert done.statistics is not None


def write_run(root: Path, checkpoints: int, items: int, samples: bool = True) -> None:
    """Checkpoints with a record, and samples, for each of the 15 categories."""
    sys.path.insert(0, str(SCRIPT.parent))
    from benchmark_calculator import STEP_FORMULAS

    for i in range(1, checkpoints + 1):
        folder = root / f"step_{i * 10}"
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}")
        (folder / "model.safetensors").write_bytes(i.to_bytes(8, "big"))
        digest = hashlib.sha256(i.to_bytes(8, "big")).hexdigest()
        target = root / "results" / "data" / folder.name
        target.mkdir(parents=True)
        for j, task in enumerate(STEP_FORMULAS):
            # The same items are hard for all checkpoints; a few more are solved with each step.
            scores = [int((n * 7919 + j) % 1000 < 600 + 200 * i / checkpoints + (n * i) % 40) for n in range(items)]
            name = str(uuid.uuid4())
            (target / f"{name}.json").write_text(json.dumps(record(folder.name, digest, task, scores)))
            if samples:
                lines = (json.dumps(sample(folder.name, task, n, score)) for n, score in enumerate(scores))
                (target / f"{name}_samples.jsonl").write_text("\n".join(lines) + "\n")


def record(folder: str, digest: str, task: str, scores: Sequence[int]) -> dict:
    """A record as the evaluation scripts write it."""
    score, n = sum(scores) / len(scores), len(scores)
    uncertainty = {
        "num_samples": n,
        "standard_error": {"value": (score * (1 - score) / n) ** 0.5, "method": "analytic"},
    }
    return {
        "schema_version": "0.3.0",
        "evaluation_id": f"{task}/bench/{folder}/1700000000",
        "model_info": {"id": f"bench/{folder}", "additional_details": {"path": folder, "weights_sha256": digest}},
        "eval_library": {"name": "lighteval", "version": "0.13.0"},
        "evaluation_results": [
            {
                "evaluation_result_id": f"{task}|0/acc",
                "evaluation_name": task,
                "metric_config": {"metric_id": "accuracy", "metric_unit": "proportion", "lower_is_better": False},
                "score_details": {"score": score, "uncertainty": uncertainty, "details": {"empty": "0"}},
            }
        ],
    }


def sample(folder: str, task: str, n: int, score: int) -> dict:
    """A line of a samples file, about as long as a real one."""
    return {
        "schema_version": "0.3.0",
        "evaluation_id": f"{task}/bench/{folder}/1700000000",
        "model_id": "bench/step",
        "evaluation_name": task,
        "evaluation_result_id": f"{task}|0/acc",
        "sample_id": f"{task}-test-{n:05}",
        "sample_hash": hashlib.sha256(f"{task}{n}".encode()).hexdigest(),
        "interaction_type": "single_turn",
        "input": {"raw": "Which of these is it? " * 8, "reference": ["yes"], "choices": ["yes", "no"]},
        "output": {"raw": ["yes" if score else "no"]},
        "answer_attribution": [],
        "evaluation": {"score": float(score), "is_correct": bool(score)},
        "metadata": {"prompt_hash": f"{n:016x}"},
    }


def best_of(rounds: int, command: Sequence[str | Path]) -> tuple[float, float, str]:
    """(processor seconds, megabytes, output) of the fastest of some runs of a command; CalledProcessError if it failed.

    Ending with 1 or 3 is an answer, too.
    """
    found = []
    for _ in range(rounds):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.stdout.close()
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in (0, 1, 3):
            raise subprocess.CalledProcessError(process.returncode, command)
        found.append((usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, output))
    return min(found)


def measure(folder: Path, rounds: int, few: int, many: int, items: int) -> Iterator[Timing]:
    """All timings, for few and for many checkpoints, and for five times as many; items: of a comparison's benchmark."""
    os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
    for count, target in ((few, 3.0), (many, 30.0)):
        _, memory, output = best_of(rounds, [sys.executable, __file__, "--on-arrays", str(count)])
        seconds, floor = map(float, output.split())
        yield Timing(f"statistics, {count} checkpoints", seconds, memory, target, seconds / floor)
    whole = (
        (few, ITEMS, True, 6.0),
        (many, ITEMS, False, 4.0),
        (5 * many, 100, False, 10.0),
        (5 * many, 100, True, 20.0),
        (2, items, True, 8.0),
    )
    for count, asked, samples, target in whole:
        root = folder / f"run_{count}_{asked}_{samples}"
        write_run(root, count, asked, samples)
        command, name = [SCRIPT, root, "--json"], f"{count:,} checkpoints x 15"
        if count == 2:
            sides = [root / "results" / "data" / f"step_{step}" for step in (10, 20)]
            command = [SCRIPTS / "compare_results.py", "--baseline", sides[0], "--candidate", sides[1], "--json"]
            name = "compare_results, 15"
        seconds, memory, _ = best_of(rounds, [sys.executable, *command])
        floor, _, _ = best_of(rounds, [sys.executable, "-c", PARSE, root / "results"])
        what = f"{name} x {asked:,} items" if samples else f"{name}, no samples"
        yield Timing(what, seconds, memory, target, seconds / floor)
    seconds, memory, _ = best_of(rounds, [sys.executable, SCRIPT, "--help"])
    floor, _, _ = best_of(rounds, [sys.executable, "-c", "pass"])
    yield Timing("--help", seconds, memory, 0.3, seconds / floor)


def run(args: argparse.Namespace) -> int:
    """Measure and print."""
    if args.on_arrays:
        on_arrays(args.on_arrays)
        return 0
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        timings = []
        for t in measure(Path(folder), args.rounds, *args.checkpoints, args.items):
            timings.append(asdict(t))
            if not args.json:
                text = f"{t.name:36} {t.seconds:6.2f} s  (target {t.target:4.1f} s)  {t.megabytes:6.0f} MB"
                print(f"{text}  {t.floor:6.1f} x floor", flush=True)
    if args.json:
        print(json.dumps(timings, indent=2))
    return 0


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="runs of each, of which the best counts")
    parser.add_argument("--on-arrays", type=int, metavar="N", help="only time the statistics of N checkpoints, here")
    parser.add_argument("--checkpoints", type=int, nargs=2, default=(20, 200), metavar="N", help="few, and many")
    parser.add_argument("--items", type=int, default=20_000, metavar="N", help="of each benchmark compared")
    parser.add_argument("--json", action="store_true", help="one JSON document to stdout")
    parser.set_defaults(run=run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    args = build_parser().parse_args(argv)
    try:
        return args.run(args)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    raise SystemExit(main())
