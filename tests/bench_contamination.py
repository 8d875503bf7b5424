#!/usr/bin/env -S uv run --script
# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "backports.zstd>=1,<2; python_version < '3.14'",
#     "httpx2>=2,<3",
#     "huggingface_hub>=2.2,<3",
#     "numpy>=2,<3",
#     "opencc>=1.1.9,<2",
#     "orjson>=3.10,<4",
#     "pyarrow>=21,<27",
#     "python-dotenv>=1.1,<2",
#     "rich>=14,<16",
#     "scipy>=1.15,<2",
# ]
# ///
"""Time scripts/check_contamination.py on generated text, and print its peak memory; nothing is asserted.

  uv run tests/bench_contamination.py
  uv run tests/bench_contamination.py --megabytes 100 --items 1000 --json
  uv run tests/bench_contamination.py --guises

The text has words of Zipf-like frequency, punctuation, and some letters that are not ASCII; 1 in 100 of the items is
planted in it. Each line is one run of the command: rate, ratio to plain reading of the same files (from the page
cache), CPU seconds of all processes, and the most memory that all of them held together (proportional set size; on
other systems than Linux the largest process). The last lines say how time and memory grow from a tenth of the text to
all of it. About three minutes on two idle cores; needs 2.5 GB of disk. --guises prints instead how many of 40 items are
found in each of 36 guises, and how many are taken for found in texts that hold none.

Exit codes: 0 done; 2 it could not be done.
"""

from __future__ import annotations

import argparse
import functools
import gzip
import itertools
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

SCRIPT = Path(__file__).resolve().parent.parent / "scripts" / "check_contamination.py"
VOCABULARY = 60_000
ITEM_WORDS = (20, 120)
PIECE_WORDS = 500_000  # words made at once, about 3 MB
DOCUMENT_WORDS = 600
SPECIAL = ("{},", "{},", "{},", "{}.", "{}.", "({})", '"{}"', "“{}”", "{}’s", "{}é")


@dataclass(frozen=True)
class Timing:
    """One run: megabytes of text a second, plain reading of the same files, and what it took."""

    name: str
    megabytes: float
    seconds: float
    read_seconds: float
    cpu_seconds: float
    peak_megabytes: float
    suspects: int
    planted: int

    @property
    def rate(self) -> float:
        """Megabytes a second, the start of the processes and the making of the index included."""
        return self.megabytes / self.seconds


def make_vocabulary(generator: np.random.Generator) -> list[str]:
    """Invented words; frequent ones are short."""
    import numpy as np

    letters = np.array(list("etaoinshrdlucmfwypvbgkjqxz"))
    lengths = np.maximum(1, generator.poisson(2 + np.log2(1 + np.arange(VOCABULARY)) / 2.4))
    return ["".join(letters[np.minimum(25, generator.geometric(0.11, n) - 1)]) for n in lengths]


def make_items(generator: np.random.Generator, words: Sequence[str], count: int) -> list[str]:
    """Texts of items, of words as frequent as in the text."""
    ends = generator.integers(*ITEM_WORDS, count).cumsum().tolist()
    drawn = [words[i] for i in zipf(generator, ends[-1]).tolist()]
    return [" ".join(drawn[a:b]) for a, b in itertools.pairwise([0, *ends])]


def zipf(generator: np.random.Generator, size: int) -> Any:
    """Numbers of words: the n-th is as frequent as 1 / (n + 2.7)."""
    weights = zipf_weights()
    return weights.searchsorted(generator.random(size) * weights[-1])


@functools.cache
def zipf_weights() -> np.ndarray:
    """Running total of the words' frequencies."""
    import numpy as np

    return np.cumsum(1 / (np.arange(VOCABULARY) + 2.7))


def documents(generator: np.random.Generator, words: Sequence[str], size: int, planted: Sequence[str]) -> Iterator[str]:
    """Documents of together so many bytes, the planted items at even distances among them."""
    forms = words + [form.format(word) for word in words[:2000] for form in SPECIAL]
    common = len(forms) - len(words)
    done, next_planted = 0, 0
    while done < size:
        ids = zipf(generator, PIECE_WORDS)
        marked = generator.random(PIECE_WORDS) < 0.12  # with punctuation, or a letter that is not ASCII
        ids[marked] = len(words) + generator.integers(0, common, int(marked.sum()))
        piece = [forms[i] for i in ids.tolist()]
        for i in range(0, PIECE_WORDS, DOCUMENT_WORDS):
            text = " ".join(piece[i : i + DOCUMENT_WORDS])
            if next_planted < len(planted) and done >= next_planted * size / len(planted):
                text = f"{text}\n{planted[next_planted].capitalize()}!\n{text[:200]}"
                next_planted += 1
            done += len(text.encode()) + 1
            yield text


def make_files(folder: Path, megabytes: int, count: int) -> dict[str, tuple[Path, int]]:
    """The items, and the text: a tenth of it in several formats, and all of it as plain text."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    generator = np.random.default_rng(0)
    words = make_vocabulary(generator)
    items = make_items(generator, words, count)
    with (folder / "items.jsonl").open("w") as file:
        file.writelines(json.dumps({"id": i, "question": text}) + "\n" for i, text in enumerate(items))
    planted = items[:: max(1, count // max(1, count // 100))]
    files = {}
    for share, name in ((10, "tenth"), (1, "whole")):
        path = folder / f"{name}.txt"
        own = planted[::share]
        with path.open("w", encoding="utf-8") as file:
            file.writelines(text + "\n" for text in documents(generator, words, megabytes * 10**6 // share, own))
        files[f"{megabytes // share} MB, text"] = (path, len(own))
    rows = list(documents(generator, words, megabytes * 10**5, planted[::10]))
    count = len(planted[::10])
    lines = "".join(json.dumps({"text": text, "n": i}) + "\n" for i, text in enumerate(rows)).encode()
    (folder / "rows.jsonl").write_bytes(lines)
    (folder / "rows.jsonl.gz").write_bytes(gzip.compress(lines, 3))
    pq.write_table(pa.table({"text": rows}), folder / "rows.parquet", row_group_size=2000)
    for suffix in ("jsonl", "jsonl.gz", "parquet"):
        files[f"{megabytes // 10} MB, {suffix}"] = (folder / f"rows.{suffix}", count)
    return files


def read_seconds(path: Path) -> float:
    """Seconds that plain reading of a file takes, the best of two."""
    best = float("inf")
    for _ in range(2):
        begun = time.perf_counter()
        with path.open("rb", buffering=0) as file:
            while file.read(2**20):
                pass
        best = min(best, time.perf_counter() - begun)
    return best


def family_memory(pid: int) -> float:
    """Megabytes that a process and its children hold; memory that they share counts once. 0 where that is not known."""
    total, todo = 0, [pid]
    while todo:
        one = todo.pop()
        try:
            todo += map(int, Path(f"/proc/{one}/task/{one}/children").read_text().split())
            rollup = Path(f"/proc/{one}/smaps_rollup").read_text()
        except (OSError, ValueError):
            continue
        total += sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    return total / 1024


def measure(name: str, path: Path, planted: int, items: Path, rule: str, workers: int) -> Timing:
    """One run of the command."""
    command = [sys.executable, SCRIPT, "--training", path, "--items", items, "--rule", rule, "--json"]
    command += ["--workers", str(workers)]
    plain = read_seconds(path)
    peak, done = [0.0], threading.Event()
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def watch() -> None:
        while not done.wait(0.1):
            peak[0] = max(peak[0], family_memory(process.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    output, errors = process.stdout.read(), process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - begun
    done.set()
    watcher.join()
    process.stdout.close()
    process.stderr.close()
    if process.returncode not in (0, 1):
        raise subprocess.CalledProcessError(process.returncode, command, stderr=errors)
    document = json.loads(output)
    return Timing(
        name,
        document["training"]["bytes"] / 1e6,
        seconds,
        plain,
        usage.ru_utime + usage.ru_stime,
        peak[0] or usage.ru_maxrss / 1024,
        document["items"]["suspect"],
        planted,
    )


def timing_line(t: Timing) -> str:
    """A timing for people."""
    return (
        f"{t.name:32} {t.rate:6.1f} MB/s  {t.seconds:6.1f} s = {t.seconds / t.read_seconds:5.0f} x reading  "
        f"CPU {t.cpu_seconds:6.1f} s  {t.peak_megabytes:5.0f} MB  found {t.suspects} of {t.planted} planted"
    )


def show_guises(count: int = 40) -> int:
    """Print the recall of each guise, and the false alarms of texts that are no items."""
    from contamination_guises import GUISES, STRANGERS, make_questions

    questions = make_questions(count, 1)
    for kind, guises in (("found", GUISES), ("false alarms", STRANGERS)):
        for name, guise in guises.items():
            print(f"{name:24} {kind} {len(found_in(questions, guise)):3} of {count}", flush=True)
    return 0


def found_in(questions: Sequence[tuple[str, str]], guise: Any) -> list[str]:
    """The ids of the questions that the command finds in a text that holds all of them in one guise."""
    import random

    with tempfile.TemporaryDirectory(prefix="guises-") as name:
        items, text = Path(name, "items.jsonl"), Path(name, "text.txt")
        rows = [json.dumps({"id": i, "question": q, "answer": a}) for i, (q, a) in enumerate(questions)]
        items.write_text("\n".join(rows) + "\n")
        text.write_text("\n\n".join(guise(q, a, random.Random(i)) for i, (q, a) in enumerate(questions)))
        command = [sys.executable, SCRIPT, "--training", text, "--items", items, "--workers", "1", "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return [one["sample_id"] for one in json.loads(done.stdout)["suspects"]]


def run(args: argparse.Namespace) -> int:
    """Make the files, measure, print."""
    if args.guises:
        return show_guises()
    timings: list[Timing] = []
    with tempfile.TemporaryDirectory(prefix="bench-", dir=args.output_dir) as name:
        folder = Path(name)
        begun = time.perf_counter()
        files = make_files(folder, args.megabytes, args.items)
        print(f"text made in {time.perf_counter() - begun:.0f} s; load {os.getloadavg()[0]:.1f}", file=sys.stderr)
        tenth, whole = (label for label in files if label.endswith("text"))
        plans = [(label, "longest", args.workers) for label in files]
        plans += [(tenth, "longest", 1), (tenth, "50-char", args.workers)]
        for label, rule, workers in plans:
            path, planted = files[label]
            title = f"{label}, {rule}, {workers} proc."
            timings.append(measure(title, path, planted, folder / "items.jsonl", rule, workers))
            if not args.json:
                print(timing_line(timings[-1]), flush=True)
    if args.json:
        print(json.dumps([asdict(timing) for timing in timings], indent=2))
        return 0
    small, large = timings[0], timings[1]
    times, memory = large.seconds / small.seconds, large.peak_megabytes / small.peak_megabytes
    print(f"from {tenth} to {whole}: text x {large.megabytes / small.megabytes:.1f}, time x {times:.1f}, ", end="")
    print(f"CPU x {large.cpu_seconds / small.cpu_seconds:.1f}, memory x {memory:.2f}")
    per_megabyte = (large.seconds - small.seconds) / (large.megabytes - small.megabytes)
    print(f"each further MB {1000 * per_megabyte:.1f} ms; so 10 GB in {10_000 * per_megabyte / 60:.1f} min")
    return 0


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=1000, metavar="N", help="size of the whole text")
    parser.add_argument("--items", type=int, default=20_000, metavar="N", help="items of the benchmark")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="processes of the command")
    parser.add_argument("--output-dir", metavar="DIR", help="where the text is made (default: the system's own folder)")
    parser.add_argument("--guises", action="store_true", help="what is found in which guise, instead of times")
    parser.add_argument("--json", action="store_true", help="one JSON document to stdout")
    parser.set_defaults(run=run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    args = build_parser().parse_args(argv)
    try:
        return args.run(args)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"error: {error}: {getattr(error, 'stderr', '') or ''}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    raise SystemExit(main())
