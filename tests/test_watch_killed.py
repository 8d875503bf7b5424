"""--watch under SIGKILL while checkpoints are written in pieces: each whole one is measured once, no other ever.

The children run the script's own code up to the engine; in its place stands one that looks at what it is given.
"""

import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import lighteval_vllm_uv as script
import pytest

ROOT = Path(__file__).resolve().parent.parent
TINY = ROOT / "examples" / "tiny_run"
TASKS = ("math_reasoning", "common_sense")
LAST = 900
CHILD = """
import functools, json, random, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import lighteval_vllm_uv as script

script.WATCH_SECONDS, script.SETTLED_SECONDS = 0.02, 1e9
DATA = Path(sys.argv[2]) / "results" / "data"
TASKS = {name: next((DATA / name).glob("*/*/*.json")) for name in sys.argv[3].split(",")}

class Looked(script.Sweep):
    def one(self, row):
        engine = script.Engine(None, "float32", "cpu", "1", "transformers", "5")
        with open("asked.log", "a") as log:
            print(json.dumps([row.model.checkpoint, script.weights_sha256(row.model.folder)]), file=log)
        script.read_layout(row.model.folder)  # as every engine does
        for task in row.tasks:
            time.sleep(random.random() / 20)
            self.finish(row, task, functools.partial(self.measured, row, task, engine))

    def measured(self, row, task, engine, now):
        path = TASKS[task.title]
        record, samples = json.loads(path.read_text()), path.with_name(f"{path.stem}_samples.jsonl").read_text()
        name = f"{task.title}/{row.model.id}/{now}"
        samples = samples.replace(record["evaluation_id"], name).replace(record["model_info"]["id"], row.model.id)
        record |= {"evaluation_id": name, "model_info": script.model_info(row.model, engine)}
        record["eval_library"]["additional_details"] |= {"settings_hash": row.settings.key, "task": task.name}
        for result in record["evaluation_results"]:
            result["source_data"]["additional_details"].pop("data_sha256")  # as of a data set of the Hub
        return record, samples

args = script.build_parser().parse_args(["--model", "run", "--tasks", "t", "--watch", "--until-step", sys.argv[4]])
versions = {"lighteval": "0.13.0", "transformers": "5", "torch": "2"}
settings = script.settings_from(
    args, backend="accelerate", custom_tasks=None, custom_tasks_sha256=None, versions=versions, command="c",
    temperature=None, reasoning_tags=None, sandbox=None, repeats=None, data_parallel_size=None, max_connections=None,
)
watch = script.TrainingWatch(args)
models, left_out = script.models_of(args, watch)
work = script.run_of(args, settings, models, script.History, left_out, "", watch)
tasks = [script.Task(f"{name}|0", script.TaskRequest(name, 0), 1, None, script.Dataset("a/b")) for name in TASKS]
sweep = Looked(work.output, settings, work.history, script.LogTail(), None)
sys.exit(work.sweep(sweep, tasks, [settings]))
"""


def pieces(path: Path, content: bytes, rng: random.Random) -> None:
    """Write a file as a slow disk shows it."""
    cuts = sorted({0, len(content), *(rng.randrange(len(content)) for _ in range(2))})
    with path.open("wb") as file:
        for start, end in itertools.pairwise(cuts):
            file.write(content[start:end])
            file.flush()
            time.sleep(rng.random() / 30)


def whole_file(folder: Path, source: Path, rng: random.Random) -> None:
    """One file of weights, the configuration before or after it."""
    names = [path.name for path in source.iterdir() if path.is_file()]
    rng.shuffle(names)
    for name in names:
        pieces(folder / name, (source / name).read_bytes(), rng)


def in_shards(folder: Path, source: Path, rng: random.Random) -> None:
    """The index first, then the files that it names."""
    raw = (source / "model.safetensors").read_bytes()
    length = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + length])
    data = raw[8 + length :]
    names = [name for name in header if name != "__metadata__"]
    shards, weight_map = {}, {}
    for number, part in enumerate((names[::2], names[1::2]), 1):
        own, content = {"__metadata__": {"format": "pt"}}, b""
        for name in part:
            start, end = header[name]["data_offsets"]
            own[name] = header[name] | {"data_offsets": [len(content), len(content) + end - start]}
            content += data[start:end]
        text = json.dumps(own).encode()
        file = f"model-0000{number}-of-00002.safetensors"
        shards[file] = len(text).to_bytes(8, "little") + text + content
        weight_map |= dict.fromkeys(part, file)
    pieces(
        folder / "model.safetensors.index.json", json.dumps({"metadata": {}, "weight_map": weight_map}).encode(), rng
    )
    for path in source.iterdir():
        if path.is_file() and path.name != "model.safetensors":
            pieces(folder / path.name, path.read_bytes(), rng)
    for name, content in shards.items():
        pieces(folder / name, content, rng)


def renamed(folder: Path, source: Path, rng: random.Random) -> None:
    """Under another name until all is there."""
    other = folder.with_name(rng.choice((f"tmp-{folder.name}", f"{folder.name}.partial")))
    folder.rename(other)
    whole_file(other, source, rng)
    time.sleep(0.2)  # it looks whole, and is not the training's yet
    other.rename(folder)


def train(run: Path, rng: random.Random) -> None:
    """Nine checkpoints; beside them what never becomes one."""
    for step in range(100, LAST + 1, 100):
        folder = run / f"checkpoint-{step}"
        folder.mkdir()
        source = TINY / "checkpoints" / f"step_{step}"
        (whole_file, in_shards, renamed)[step // 100 % 3](folder, source, rng)
        if step in (200, 500):
            never = run / f"checkpoint-{step + 50}"
            shutil.copytree(source, never, ignore=lambda _, names: {"results"} & set(names))
            name = "model.safetensors" if step == 200 else "config.json"
            content = (never / name).read_bytes()
            (never / name).write_bytes(content[: len(content) // 2])


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
@pytest.mark.parametrize("seed", [1, 2])
def test_killed_at_any_moment_it_measures_each_whole_checkpoint_once(tmp_path, seed):
    rng = random.Random(seed)
    run = tmp_path / "run"
    run.mkdir()
    training = threading.Thread(target=train, args=(run, rng))
    training.start()
    command = [sys.executable, "-c", CHILD, str(ROOT / "scripts"), str(TINY), ",".join(TASKS), str(LAST)]
    kills, moments = 0, random.Random(seed + 100)
    while training.is_alive():
        child = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.2 + moments.random())
        if training.is_alive() and child.poll() is None:
            os.kill(child.pid, signal.SIGKILL)
            kills += 1
        child.wait()
    training.join()
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    whole = {f"checkpoint-{step}" for step in range(100, LAST + 1, 100)}
    hashes = {name: script.weights_sha256(run / name) for name in whole}
    asked = [json.loads(line) for line in (tmp_path / "asked.log").read_text().splitlines() if line.endswith("]")]
    assert {tuple(row) for row in asked} == set(hashes.items()), "no other was ever given to an engine"
    records = [path for path in (tmp_path / "results").rglob("*.json") if not path.name.startswith(".")]
    found = []
    for path in records:
        record = json.loads(path.read_text())
        assert script.contradictions(path, record, script.MetricMapping({}, {}, {})) == []
        details = record["model_info"]["additional_details"]
        assert details["weights_sha256"] == hashes[details["checkpoint"]]
        found.append((details["checkpoint"], record["eval_library"]["additional_details"]["task"]))
    assert sorted(found) == sorted((name, f"{task}|0") for name in whole for task in TASKS), "each once"
    assert kills, "nothing was tried"
    assert "checkpoint-250 waits: model.safetensors is shorter than its header says" in done.stderr
    assert "checkpoint-550 waits: config.json ends too early" in done.stderr
