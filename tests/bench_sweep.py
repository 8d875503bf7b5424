#!/usr/bin/env -S uv run --script
# /// script
# requires-python = ">=3.11"
# dependencies = []
# ///
"""Time a sweep of lighteval_vllm_uv.py over the example's ten checkpoints and fifteen tasks, process start included.

  uv run tests/bench_sweep.py
  uv run tests/bench_sweep.py --backend vllm --python V/bin/python --ordinary 3
  uv run tests/bench_sweep.py --backend accelerate --checkpoints 100 --adapters 100 --ordinary 0 --tasks math_reasoning

Against the floor: imports and the first engine's start, each once, and what the engine needs to answer and lighteval's
metrics to score. All are the script's own clock (`seconds` of its --json): `imports` is everything before the first
model, `load` of a sweep over one checkpoint is the first engine's start, `generate` is the time in which the engine
answers (the first checkpoint's tokenization included), `score` the metrics, standard errors and the records' text.
The whole run adds the interpreter's start and end, building the prompts, swapping and writing. All is told twice: in
seconds, and in those of the processors, which a busy machine changes little. More checkpoints than the example has are
its own over and over; adapters (rank 4, on two layers of each block) are drawn at random on its last one.

Against the ordinary way: one process of the harness for each checkpoint; some checkpoints are measured and the time is
scaled up to all. On accelerate this is lighteval's own command. lighteval's own vLLM module is made for vLLM 0.10: the
little that today's vLLM calls otherwise is put in its place, the rest is as it is (an engine in its own process, one
request with prompt_logprobs for each choice); with --ordinary-vllm script it is this script once a checkpoint.

Memory is the most that one process held resident (ru_maxrss), of the whole sweep against one checkpoint. Ratios and
rates are printed, nothing is asserted; a machine that others use too gives other ones. The table goes to stdout.

Exit codes: 0 measured; 2 it could not be done.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "scripts" / "lighteval_vllm_uv.py"
TINY = ROOT / "examples" / "tiny_run"
PHASES = ("imports", "load", "build", "generate", "score", "write")
MIB = 1024.0  # of ru_maxrss, which Linux counts in KiB

# lighteval's own command line; without the stub it fetches a pickle from the internet for any task.
LIGHTEVAL = """
import sys, types
stub = types.ModuleType("lighteval.tasks.tasks.tiny_benchmarks"); stub.TASKS_TABLE = []
sys.modules[stub.__name__] = stub
if sys.argv[1] == "vllm":
    import lighteval.utils.imports as imports
    gate = imports.is_package_available
    imports.is_package_available = lambda package: getattr(package, "name", package) == "vllm" or gate(package)
    ray = types.ModuleType("ray"); ray.shutdown = lambda: None
    sys.modules["ray"] = ray
    import transformers, vllm
    moved = types.ModuleType("vllm.transformers_utils.tokenizer")
    moved.get_tokenizer = lambda name, **_: transformers.AutoTokenizer.from_pretrained(name)
    sys.modules[moved.__name__] = moved
    class Today(vllm.LLM):
        def __init__(self, swap_space=None, enable_prefix_caching=None, **options):
            super().__init__(**options)
        def generate(self, prompt_token_ids, sampling_params, use_tqdm):
            return super().generate([{"prompt_token_ids": ids} for ids in prompt_token_ids], sampling_params)
    vllm.LLM = Today
import lighteval.__main__ as command
if __name__ == "__main__":
    command.app()
"""

ADAPTERS = """
import json, sys, torch
from pathlib import Path
from safetensors.torch import save_file
base, out, count = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
config = json.loads((base / "config.json").read_text())
size, blocks = config["hidden_size"], config["num_hidden_layers"]
own = {"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "o_proj"], "task_type": "CAUSAL_LM"}
for number in range(1, count + 1):
    torch.manual_seed(number)
    folder = out / "lora" / f"checkpoint-{number}"
    folder.mkdir(parents=True)
    start = "base_model.model.model.layers"
    places = [f"{start}.{block}.self_attn.{name}" for block in range(blocks) for name in own["target_modules"]]
    tensors = {f"{place}.lora_A.weight": torch.randn(4, size) for place in places}
    tensors |= {f"{place}.lora_B.weight": torch.randn(size, 4) / 50 for place in places}
    save_file(tensors, folder / "adapter_model.safetensors", {"format": "pt"})
    (folder / "adapter_config.json").write_text(json.dumps(own | {"base_model_name_or_path": str(base)}))
"""

LETTERS = """
from pathlib import Path
from lighteval.metrics.metrics import Metrics
from lighteval.tasks.lighteval_task import LightevalTaskConfig
from lighteval.tasks.requests import Doc

def prompt(line, task_name):
    return Doc(task_name=task_name, query=line["question"], choices=list("ABCD"), gold_index=line["gold"])

TASKS_TABLE = [LightevalTaskConfig(
    name="letters", prompt_function=prompt, metrics=[Metrics.loglikelihood_acc],
    hf_repo=str(Path(__file__).parent / "letters"), hf_subset="default", hf_avail_splits=["test"],
    evaluation_splits=["test"])]
"""


class BenchError(Exception):
    """A command that did not do what it is timed for."""


@dataclass(frozen=True)
class Run:
    """What one command took: seconds from start to end, the most memory of its largest process in MiB, and the seconds
    of its processors; `starts`: how often it said that another engine is started."""

    seconds: float
    memory: float
    answer: dict[str, Any]
    used: float = 0.0
    starts: int = 0

    @property
    def phases(self) -> dict[str, float]:
        return self.answer["seconds"]


@dataclass(frozen=True)
class Way:
    """How the programs are started: a Python with the packages, or uv; and the folder that takes what they write."""

    python: str | None
    folder: Path
    tasks: str = "all"

    def script(self, backend: str, models: Sequence[Path], output: str, *more: str) -> Run:
        """The script on some checkpoints and all tasks of the example."""
        start = [self.python] if self.python else ["uv", "run", "--script"]
        fixed = ["--backend", backend, "--device", "cpu", "--json", "--output-dir", str(self.folder / output)]
        tasks = ["--tasks", self.tasks, "--custom-tasks", str(TINY / "tasks.py")] if "--tasks" not in more else []
        return timed([*start, str(SCRIPT), "--model", *map(str, models), *fixed, *tasks, *more], self.folder / output)

    def lighteval(self, backend: str, model: Path, output: str, limit: int | None) -> Run:
        """lighteval's own command on one checkpoint; it writes into the model's folder, so on a copy."""
        copy = self.folder / output / "model"
        shutil.copytree(model, copy)
        program = self.folder / "lighteval_command.py"
        program.write_text(LIGHTEVAL, encoding="utf-8")
        settings = f"model_name={copy},dtype=float32,override_chat_template=False,"
        settings += "batch_size=32" if backend == "accelerate" else "gpu_memory_utilization=0.3,max_model_length=256"
        tasks = ",".join(f"{path.name}|0" for path in sorted((TINY / "data").iterdir()))
        fixed = ["--custom-tasks", str(TINY / "tasks.py"), "--output-dir", str(self.folder / output / "out")]
        more = ["--save-details"] + (["--max-samples", str(limit)] if limit else [])
        run = timed([self.interpreter(), str(program), backend, settings, tasks, *fixed, *more], self.folder / output)
        found = sorted((self.folder / output / "out" / "results").rglob("results_*.json"))
        if not found:
            raise BenchError(f"lighteval {backend} gave no results: see {self.folder / output}.err")
        results = json.loads(found[-1].read_text(encoding="utf-8"))["results"]
        return Run(run.seconds, run.memory, results)

    def checkpoints(self, count: int) -> list[Path]:
        """Some checkpoints; beyond the example's ten, copies of them."""
        models = sorted((TINY / "checkpoints").iterdir(), key=lambda path: int(path.name.split("_")[1]))
        for number in range(len(models), count):
            copy = self.folder / "more" / f"step_{100 * number + 100}"
            shutil.copytree(models[number % 10], copy, ignore=lambda _, names: {"results"} & set(names))
            models.append(copy)
        return models[:count]

    def adapters(self, count: int) -> list[Path]:
        """Some adapters of the example's last checkpoint."""
        made = [
            self.interpreter(),
            "-c",
            ADAPTERS,
            str(TINY / "checkpoints" / "step_1000"),
            str(self.folder),
            str(count),
        ]
        subprocess.run(made, check=True, capture_output=True)
        return [self.folder / "lora" / f"checkpoint-{number}" for number in range(1, count + 1)]

    def interpreter(self) -> str:
        if self.python:
            return self.python
        find = ["uv", "python", "find", "--script", str(SCRIPT)]
        return subprocess.run(find, check=True, capture_output=True, text=True).stdout.strip()


def timed(command: list[str], name: Path) -> Run:
    """Run a command to its end; its output goes to files beside `name`."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    environment.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    out, err = name.with_suffix(".out"), name.with_suffix(".err")
    with out.open("wb") as stdout, err.open("wb") as stderr:
        began = time.monotonic()
        process = subprocess.Popen(command, stdout=stdout, stderr=stderr, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise BenchError(f"exit {process.returncode}: {' '.join(command[:4])} …: {last_line(err)}")
    text = out.read_text(encoding="utf-8")
    answer = {}
    with contextlib.suppress(ValueError):  # lighteval prints a table
        answer = json.loads(text)
    starts = err.read_text(encoding="utf-8", errors="replace").count("a new engine is started")
    return Run(seconds, usage.ru_maxrss / MIB, answer, usage.ru_utime + usage.ru_stime, starts)


def last_line(path: Path) -> str:
    lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"


def scores_of(answer: dict[str, Any], model: str) -> dict[str, float]:
    """Scores of one checkpoint as the script tells them: <task>/<metric> -> score."""
    rows = [row for row in answer["records"] if row["model"].endswith(f"/{model}")]
    return {f"{row['task']}/{score['metric']}": score["score"] for row in rows for score in row["scores"]}


def lighteval_scores(results: dict[str, Any]) -> dict[str, float]:
    """The same of lighteval's own file, whose tasks are written <task>:<shots>."""
    rows = {name.replace(":0", "|0"): metrics for name, metrics in results.items() if name != "all"}
    return {
        f"{name}/{metric}": value
        for name, metrics in rows.items()
        for metric, value in metrics.items()
        if not metric.endswith("_stderr")
    }


def agreement(one: dict[str, float], two: dict[str, float]) -> str:
    """How many scores are the same, and the largest difference."""
    shared = one.keys() & two.keys()
    same = sum(abs(one[name] - two[name]) < 1e-9 for name in shared)
    largest = max((abs(one[name] - two[name]) for name in shared), default=0.0)
    return f"{same} of {len(one.keys() | two.keys())} scores equal, largest difference {largest:.3f}"


def lines_for(backend: str, way: Way, args: argparse.Namespace) -> Iterator[str]:
    """Measure one backend; a line for each thing that was found."""
    models = way.checkpoints(args.checkpoints)
    limit = ["--limit", str(args.limit)] if args.limit else []
    sweep = way.script(backend, models, f"{backend}-sweep", *limit)
    one = way.script(backend, models[:1], f"{backend}-one", *limit)
    yield f"{backend}: {len(models)} checkpoints, {len(sweep.answer['records'])} records"
    yield from floor_lines(sweep, one, len(models))
    if args.adapters:
        adapters = way.adapters(args.adapters)
        put_on = way.script(backend, adapters, f"{backend}-adapters", *limit)
        single = way.script(backend, adapters[:1], f"{backend}-adapter", *limit)
        yield f"{backend}: {len(adapters)} adapters of one base, {len(put_on.answer['records'])} records"
        yield from floor_lines(put_on, single, len(adapters))
    if args.ordinary:
        yield from ordinary_lines(backend, way, models, sweep, args)
    if backend == "vllm":
        yield from request_lines(way, models[0], sweep)


def floor_lines(sweep: Run, one: Run, count: int) -> Iterator[str]:
    """A sweep over some models against its floor; `one`: the same over the first of them."""
    yield f"  engines      {1 + sweep.starts} started"
    for title, whole, phases, first in (
        ("seconds", sweep.seconds, sweep.phases, one.phases),
        ("processors", sweep.used, sweep.answer["processor_seconds"], one.answer["processor_seconds"]),
    ):
        start = min(first["load"], phases["load"])
        floor = phases["imports"] + start + phases["generate"] + phases["score"]
        swaps = max(0.0, phases["load"] - start) / max(1, count - 1)
        yield f"  {title:<12} " + ", ".join(f"{phase} {phases.get(phase, 0.0):.1f}" for phase in PHASES) + " s"
        yield f"               first engine {start:.1f} s, swaps {swaps:.3f} s each; whole run {whole:.1f} s"
        yield f"               floor {floor:.1f} s -> {whole / floor:.3f}x of the floor"
    yield f"  memory       {sweep.memory:.0f} MiB; one model {one.memory:.0f} MiB"


def ordinary_lines(
    backend: str, way: Way, models: Sequence[Path], sweep: Run, args: argparse.Namespace
) -> Iterator[str]:
    """The sweep against one process for each checkpoint."""
    chosen = list(models[:: max(1, len(models) // args.ordinary)])[: args.ordinary]
    own = backend == "accelerate" or args.ordinary_vllm == "lighteval"
    seconds, memory, told = [], [], []
    for model in chosen:
        name = f"{backend}-ordinary-{model.name}"
        if own:
            run = way.lighteval(backend, model, name, args.limit)
            found = lighteval_scores(run.answer)
        else:
            run = way.script(backend, [model], name, *(["--limit", str(args.limit)] if args.limit else []))
            found = scores_of(run.answer, model.name)
        seconds.append(run.seconds)
        memory.append(run.memory)
        told.append(agreement(scores_of(sweep.answer, model.name), found))
    whole = sum(seconds) / len(seconds) * len(models)
    title = "lighteval's own command" if own else "this script"
    each = ", ".join(f"{value:.1f}" for value in seconds)
    yield f"  ordinary     {title}, one process for each checkpoint: {each} s; scaled to {len(models)}: {whole:.0f} s"
    yield f"               -> {whole / sweep.seconds:.1f}x faster; memory {max(memory):.0f} MiB"
    for model, line in zip(chosen, told, strict=True):
        yield f"               {model.name}: {line}"


def request_lines(way: Way, model: Path, sweep: Run) -> Iterator[str]:
    """Requests that vLLM gets for a question."""
    folder = way.folder / "letters"
    folder.mkdir(exist_ok=True)
    rows = [{"question": f"Which letter comes at place {number}?\nAnswer:", "gold": number % 4} for number in range(50)]
    (folder / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    tasks = way.folder / "letters.py"
    tasks.write_text(LETTERS, encoding="utf-8")
    run = way.script("vllm", [model], "letters-out", "--tasks", "letters", "--custom-tasks", str(tasks))
    yield f"  requests     {run.answer['requests'] / len(rows):.2f} for a question with 4 choices of a single token"
    items = {"choices": 0, "text": 0}
    for row in sweep.answer["records"]:
        items["text" if row["scores"][0]["metric"] == "em" else "choices"] += row["scores"][0]["num_samples"]
    asked = (sweep.answer["requests"] - items["text"]) / max(1, items["choices"])
    yield f"               {asked:.2f} for a question with choices of several tokens (the example's; 2 to 4 choices)"
    yield f"  rate         {sum(items.values()) / sweep.phases['generate']:.0f} items/s while the engine answers"


def run(args: argparse.Namespace) -> int:
    """Measure and print."""
    with contextlib.ExitStack() as stack:
        folder = Path(args.keep or stack.enter_context(tempfile.TemporaryDirectory(prefix="bench_sweep_")))
        folder.mkdir(parents=True, exist_ok=True)
        way = Way(args.python, folder, args.tasks)
        try:
            for backend in args.backend:
                for line in lines_for(backend, way, args):
                    print(line, flush=True)
        except (BenchError, OSError, subprocess.CalledProcessError) as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
    return 0


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--backend", nargs="+", choices=("accelerate", "vllm"), default=["accelerate", "vllm"], help="default: both")
    add("--checkpoints", type=int, default=10, metavar="N", help="of the example (default: %(default)s)")
    add("--adapters", type=int, default=0, metavar="N", help="and a sweep over N adapters of one base")
    add("--tasks", default="all", metavar="LIST", help="of the example (default: %(default)s)")
    add("--ordinary", type=int, default=2, metavar="N", help="checkpoints for the ordinary way (default: %(default)s)")
    add(
        "--ordinary-vllm",
        choices=("lighteval", "script"),
        default="lighteval",
        help="what runs once for each checkpoint on vLLM (default: %(default)s)",
    )
    add("--limit", type=int, metavar="N", help="only N items of each task: a smoke test of this program")
    python_help = "a Python with the script's packages and vLLM (default: HUB_EVALS_VLLM_PYTHON, else uv run)"
    add("--python", default=os.environ.get("HUB_EVALS_VLLM_PYTHON"), metavar="FILE", help=python_help)
    add("--keep", metavar="DIR", help="leave all that is written here")
    parser.set_defaults(run=run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    args = build_parser().parse_args(argv)
    return args.run(args)


if __name__ == "__main__":
    raise SystemExit(main())
