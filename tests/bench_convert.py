#!/usr/bin/env -S uv run --script
# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "backports.zstd>=1,<2; python_version < '3.14'",
#     "jsonschema>=4.23,<5",
#     "orjson>=3.10,<4",
#     "pyarrow>=21,<27",
#     "pyyaml>=6,<7",
#     "rich>=14,<16",
#     "sacrebleu>=2.5,<3",
# ]
# ///
"""How fast a large samples file of lm-eval is converted, and how much memory that takes.

  uv run tests/bench_convert.py                   a file of 200 MB
  uv run tests/bench_convert.py --megabytes 1000
  uv run tests/bench_convert.py --written         answers in words, one for each item, instead of choices

  uv run tests/bench_convert.py --tasks 20000     a results file of so many tasks, without items

Prints megabytes read per second, the peak memory of the process, and beside them what only parsing the same lines
takes. Processor seconds are those of all processes: they say less of what else the
machine does. The items are four-way multiple choice with five examples in each prompt, as lm-eval logs them; with
--written they are as those of gsm8k, of which a line is half as long.

Where 1.5 processor seconds go of a file of 200 MB, of which parsing alone is 0.29 (on a busy machine, in ms):

  start: Python, the script compiled, imports                          230
  the lines read; the samples file hashed                          55, 135
  prompts cut out of the lines, where each stands once a choice        210
  the rest parsed, and one prompt a line; keys that stand twice    140, 80
  scores, choices, likelihoods, references and ids as columns          185
  items and prompts hashed                                             100
  the samples' rows; their JSON                                     45, 65
  tallies, scores held against likelihoods, ids against one another    100
  written, joined and hashed; handed over between processes        100, 70

Start, reading, hashes, parsing, the look for keys, JSON and writing alone are 0.9 s: 3.1 times the parsing.

A line of --written takes 19 microseconds of a process, of which parsing alone is 2.8 (the least times of a piece of the
file, on a busy machine): read 0.7; parsed, and keys that stand twice 6.1; columns 3.7; hashed 2.1; rows 1.6, their
JSON 3.4; ids against one another, tallies 1.1. What is read and what is written is hashed, and the pieces are joined,
while others are still read.

Exit codes: 0 measured; 1 the conversion failed.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def choice_row(number: int, prompt: str) -> dict[str, Any]:
    """What lm-eval logs of an item of multiple choice."""
    chances = [[str(-1.0 - (i - number) % 4), "False"] for i in range(4)]
    return {
        "doc_id": number,
        "doc": {"id": f"item-{number}", "question": f"number {number}?", "choices": ["a", "b", "c", "d"]},
        "target": number % 3,
        "arguments": {f"gen_args_{i}": {"arg_0": prompt, "arg_1": f" {name}"} for i, name in enumerate("abcd")},
        "resps": [[chance] for chance in chances],
        "filtered_resps": chances,
        "filter": "none",
        **{f"{name}_hash": "0" * 64 for name in ("doc", "prompt", "target")},
        "acc": float(number % 4 == number % 3),
    }


def written_row(number: int, prompt: str) -> dict[str, Any]:
    """What lm-eval logs of an item that is answered in words."""
    return {
        "doc_id": number,
        "doc": {"question": f"number {number}?", "answer": f"It is so. #### {number}"},
        "target": f"It is so. #### {number}",
        "arguments": {"gen_args_0": {"arg_0": prompt, "arg_1": {"until": ["Question:", "</s>"], "do_sample": False}}},
        "resps": [["Let us think about it. " * 12 + f"#### {number}"]],
        "filtered_resps": [str(number)],
        "filter": "strict-match",
        "metrics": ["exact_match"],
        **{f"{name}_hash": "0" * 64 for name in ("doc", "prompt", "target")},
        "exact_match": float(number % 4 == number % 3),
    }


def write_run(folder: Path, megabytes: int, written: bool = False) -> int:
    """A results file with its samples; the bytes of the samples."""
    row, score = (written_row, "exact_match,strict-match") if written else (choice_row, "acc,none")
    shots = "Question: what is the capital of this country, as far as anybody knows?\nAnswer: the largest town\n\n" * 5
    right, number, size = 0, 0, 0
    with (folder / "samples_toy_2026-01-02T03-04-05.0.jsonl").open("w") as file:
        while size < megabytes * 1_000_000:
            prompt = f"{shots}Question: number {number}?\nAnswer:"
            text = json.dumps(row(number, prompt)) + "\n"
            file.write(text)
            right, number, size = right + (number % 4 == number % 3), number + 1, size + len(text)
    asked = "Question: {{question}}\nAnswer:" if written else "{{question}}"
    config = {"output_type": "generate_until" if written else "multiple_choice", "doc_to_text": asked}
    config |= {"test_split": "test", "num_fewshot": 5, "metric_list": [{"metric": score.partition(",")[0]}]}
    document = {
        "results": {"toy": {score: right / number}},
        "configs": {"toy": config | {"dataset_path": "acme/toys"}},
        "versions": {"toy": 1},
        "config": {"model": "hf", "model_args": {"pretrained": "acme/tiny"}},
    }
    (folder / "results_2026-01-02T03-04-05.0.json").write_text(json.dumps(document))
    return size


def write_tasks(folder: Path, count: int) -> None:
    """A results file of many tasks with a metric each."""
    names = [f"toy_{i}" for i in range(count)]
    config = {"output_type": "multiple_choice", "test_split": "test", "num_fewshot": 0, "dataset_path": "acme/toys"}
    document = {
        "results": {name: {"acc,none": i % 101 / 100, "acc_stderr,none": 0.01} for i, name in enumerate(names)},
        "configs": {name: config | {"task": name, "metric_list": [{"metric": "acc"}]} for name in names},
        "versions": dict.fromkeys(names, 1),
        "n-samples": {name: {"original": 100, "effective": 100} for name in names},
        "config": {"model": "hf", "model_args": {"pretrained": "acme/tiny", "dtype": "bfloat16"}},
    }
    (folder / "results_2026-01-02T03-04-05.0.json").write_text(json.dumps(document))


def parse_alone(path: Path) -> tuple[float, float]:
    """Seconds, and of the processor, to parse the lines and do nothing with them: a floor."""
    import orjson

    begun, used = time.monotonic(), time.process_time()
    with path.open("rb") as file:
        for line in file:
            orjson.loads(line)
    return time.monotonic() - begun, time.process_time() - used


def converted(folder: str) -> tuple[float, float, float, int]:
    """Seconds, processor seconds and MB of memory of a conversion in a process of its own, and its exit code."""
    command = [sys.executable, str(ROOT / "scripts" / "convert_results.py"), folder, "--output-dir", f"{folder}/out"]
    begun = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds, usage = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    print(done.stderr, end="", file=sys.stderr)
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, done.returncode


def run(args: argparse.Namespace) -> int:
    """Make the files, convert them in a process of its own, print the figures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if args.tasks:
            write_tasks(folder, args.tasks)
            seconds, used, memory, code = converted(name)
            print(f"{args.tasks} tasks in {seconds:.1f} s ({used:.1f} s of processors), peak memory {memory:.0f} MB")
            return int(code != 0)
        size = write_run(folder, args.megabytes, args.written) / 1e6
        floor, floor_used = parse_alone(folder / "samples_toy_2026-01-02T03-04-05.0.jsonl")
        seconds, used, memory, code = converted(name)
        print(f"{size:.0f} MB in {seconds:.1f} s: {size / seconds:.0f} MB/s, peak memory {memory:.0f} MB")
        print(
            f"parsing the lines alone: {size / floor:.0f} MB/s; the conversion takes {seconds / floor:.1f}x that, "
            f"in processor seconds {used:.1f}: {used / floor_used:.1f}x"
        )
        return int(code != 0)


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--megabytes", type=int, default=200, metavar="N", help="size of the samples file; default: 200"
    )
    parser.add_argument("--written", action="store_true", help="answers in words instead of choices")
    parser.add_argument("--tasks", type=int, metavar="N", help="instead: a results file of so many tasks")
    parser.set_defaults(run=run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    args = build_parser().parse_args(argv)
    return args.run(args)


if __name__ == "__main__":
    raise SystemExit(main())
