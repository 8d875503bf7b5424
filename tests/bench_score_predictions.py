#!/usr/bin/env -S uv run --script
# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "choix>=0.4.1,<0.5",
#     "jiwer>=4,<5",
#     "krippendorff>=0.8,<1",
#     "matplotlib>=3.10,<4",
#     "numpy>=2,<3",
#     "orjson>=3.10,<4",
#     "rich>=14,<16",
#     "rouge-score>=0.1.2,<0.2",
#     "sacrebleu>=2.5,<3",
#     "scikit-learn>=1.6,<2",
#     "scipy>=1.15,<2",
#     "statsmodels>=0.14.4,<0.16",
# ]
# ///
"""Time score_predictions.py on generated files: lines in a second, and how that grows.

  uv run tests/bench_score_predictions.py
  uv run tests/bench_score_predictions.py --lines 100000

Prints a table: seconds and lines in a second for accuracy (with and without its samples), macro F1 and ECE, at a tenth
of the lines and at all of them. Exit codes: 0.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import random
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))

CASES = {
    "accuracy, scored only": ["--metric", "accuracy", "--dry-run"],
    "accuracy, with samples": ["--metric", "accuracy"],
    "f1-macro, scored only": ["--metric", "f1-macro", "--dry-run"],
    "ece, scored only": ["--metric", "ece", "--dry-run"],
}


def write_predictions(path: Path, count: int) -> None:
    """Made-up answers, a letter each, right in three of four cases, with a confidence."""
    draw = random.Random(1)
    with path.open("w", encoding="utf-8") as file:
        for i in range(count):
            wanted = draw.choice("ABCD")
            said = wanted if draw.random() < 0.75 else draw.choice("ABCD")
            row = {"id": f"q{i}", "prediction": said, "reference": wanted, "probability": draw.random()}
            file.write(json.dumps(row) + "\n")


def seconds(path: Path, out: Path, more: Sequence[str]) -> float:
    """How long the command takes, in this process."""
    import score_predictions

    words = [str(path), "--model-id", "me/mine", "--benchmark", "bench", "--output-dir", str(out), *more]
    begun = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        code = score_predictions.main(words)
    if code:
        raise SystemExit(f"score_predictions.py ended with {code}")
    return time.perf_counter() - begun


def run(args: argparse.Namespace) -> int:
    """Measure and print."""
    print("| case | lines | seconds | lines in a second | x parsing alone |\n| --- | --- | --- | --- | --- |")
    for count in (args.lines // 10, args.lines):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "predictions.jsonl"
            write_predictions(path, count)
            begun = time.perf_counter()
            for line in path.open("rb"):
                json.loads(line)
            floor = time.perf_counter() - begun
            for name, more in CASES.items():
                taken = seconds(path, Path(folder) / "out", more)
                print(f"| {name} | {count:,} | {taken:.1f} | {count / taken:,.0f} | {taken / floor:.1f} |", flush=True)
    print(f"\nmost memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")
    return 0


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=1_000_000, metavar="N", help="(default: %(default)s)")
    parser.set_defaults(run=run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    args = build_parser().parse_args(argv)
    return args.run(args)


if __name__ == "__main__":
    raise SystemExit(main())
