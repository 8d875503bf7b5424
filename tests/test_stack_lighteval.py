"""lighteval_vllm_uv.py with the real lighteval on the CPU, on models that are a few kilobytes of random numbers."""

import importlib.util
import json
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "scripts" / "lighteval_vllm_uv.py"
CHECKER = ROOT.parent / "shared" / "check_records.py"
PYTHON = os.environ.get("HUB_EVALS_STACK_PYTHON")
TASKS = "lighteval|colours|2,custom|copies|0|0,words,holes"  # older forms, and one without a number of shots
HIDDEN, LAYERS, MLP = 32, 2, 64

pytestmark = pytest.mark.stack

TASK_FILE = """
import os, time
from dataclasses import replace
from pathlib import Path
from lighteval.metrics.metrics import Metrics
from lighteval.metrics.metrics_sample import ExactMatches
from lighteval.tasks.lighteval_task import LightevalTaskConfig
from lighteval.tasks.requests import Doc

DATA = str(Path(__file__).parent / "data")

def choice(line, task_name):
    return Doc(task_name=task_name, query=line["question"], choices=line["choices"], gold_index=line["gold"])

def text(line, task_name):
    return Doc(task_name=task_name, query=line["question"], choices=[line["choices"][line["gold"]]], gold_index=0)

def slow(line, task_name):
    time.sleep(float(os.environ.get("SLOW", "0")))
    return text(line, task_name)

def holes(line, task_name):
    doc = text(line, task_name)
    doc.specific = {"hole": line["gold"] == 0}
    return doc

class Holes(ExactMatches):
    def compute(self, doc, model_response, **more):
        return [][0] if doc.specific["hole"] else super().compute(doc, model_response, **more)  # cannot be scored

def broken(line, task_name):
    raise KeyError("this task has no such column")

def task(name, prompt, metrics, **more):
    return LightevalTaskConfig(
        name=name, prompt_function=prompt, metrics=metrics, hf_repo=DATA, hf_subset="default", generation_size=8,
        hf_avail_splits=["train", "test"], evaluation_splits=["test"], few_shots_split="train",
        few_shots_select="sequential", stop_sequence=["\\\\n"], **more)

TASKS_TABLE = [
    task("colours", choice, [Metrics.loglikelihood_acc, Metrics.loglikelihood_f1]),
    task("copies", text, [Metrics.exact_match, Metrics.chrf]),
    task("words", slow, [Metrics.exact_match]),
    task("holes", holes, [replace(Metrics.exact_match.value, sample_level_fn=Holes(strip_strings=True))]),
    task("broken", broken, [Metrics.exact_match]),
]
"""

# Put on PYTHONPATH: nothing may leave the machine, and what was imported is told at the end.
SITE = """
import atexit, os, socket, sys
def refuse(self, address, *rest):
    if self.family in (socket.AF_INET, socket.AF_INET6):
        with open(os.environ["CALLS"], "a") as log:
            print("connect", address, file=log)
        raise OSError("no network in this test")
    return connect(self, address, *rest)
def resolve(host, *rest, **more):
    with open(os.environ["CALLS"], "a") as log:
        print("resolve", host, file=log)
    raise OSError("no network in this test")
connect, socket.socket.connect, socket.getaddrinfo = socket.socket.connect, refuse, resolve
@atexit.register
def tell():
    with open(os.environ["IMPORTED"], "w") as log:
        print(*sorted({name.split(".")[0] for name in sys.modules}), file=log)
"""

PIPELINE = """
import json, sys, types
sys.path.insert(0, sys.argv.pop(1))
import lighteval_vllm_uv as script
stub = types.ModuleType("lighteval.tasks.tasks.tiny_benchmarks"); stub.TASKS_TABLE = []
sys.modules[stub.__name__] = stub
from lighteval.logging.evaluation_tracker import EvaluationTracker
from lighteval.models.transformers.transformers_model import TransformersModelConfig
from lighteval.pipeline import ParallelismManager, Pipeline, PipelineParameters
from lighteval.tasks.registry import Registry
names, real = script.built_in_tasks(), Registry.load_all_task_configs()
def known(task):
    return any(script.names_match(script.TaskRequest(task, 0), name) for name in names)
print("REFUSED" + json.dumps([task for task in real if not known(task)]))
print("INVENTED" + json.dumps([name for name in names if "*" not in name and name not in real]))
tasks, file, out, *models = sys.argv[1:]
found = {}
for model in models:
    pipeline = Pipeline(
        tasks=tasks, evaluation_tracker=EvaluationTracker(output_dir=out),
        pipeline_parameters=PipelineParameters(
            launcher_type=ParallelismManager.ACCELERATE, custom_tasks_directory=file, max_samples=10,
            bootstrap_iters=10),
        model_config=TransformersModelConfig(
            model_name=model, dtype="float32", batch_size=32, override_chat_template=False))
    pipeline.evaluate()
    found[model] = pipeline.get_results()["results"]
print("RESULTS" + json.dumps(found, default=float))
"""


OVER_ALL = """
import json, sys
sys.path.insert(0, sys.argv.pop(1))
import lighteval_vllm_uv as script
from lighteval.metrics.metrics import Metrics
from lighteval.metrics.sample_preparator import GenerativeCorpusMetricInput as Item
from sacrebleu.metrics import CHRF, TER
said = ["a b c d", "b c a", "c d d e f", "a a"]
wanted = [["a b d d"], ["b c b", "c b a"], ["c d e f"], ["a b", "b a", "a a a"]]
items = [Item(golds=golds, preds=[text]) for golds, text in zip(wanted, said)]
streams = [[golds[i] if i < len(golds) else None for golds in wanted] for i in range(3)]
found = {}
for name, scorer in (("chrf", CHRF()), ("chrf_plus", CHRF(word_order=2)), ("ter", TER())):
    theirs = next(iter(Metrics[name].value.get_corpus_aggregations().values()))
    ours = script.over_all_items(theirs)
    found[name] = [ours(items), scorer.corpus_score(said, streams).score, theirs(items), script.aggregation_name(ours)]
print("FOUND" + json.dumps(found))
"""


# --- a world of tiny models ---


def write_safetensors(path: Path, tensors: dict[str, list[int]], seed: int) -> None:
    """Random float32 tensors in the safetensors format: a length, a JSON header, the numbers."""
    draw, header, chunks, offset = random.Random(seed), {}, [], 0
    for name, shape in tensors.items():
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        values = [1.0] * count if len(shape) == 1 else [draw.gauss(0, 0.15) for _ in range(count)]
        chunks.append(struct.pack(f"<{count}f", *values))
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [offset, offset + 4 * count]}
        offset += 4 * count
    head = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    path.write_bytes(struct.pack("<Q", len(head)) + head + b"".join(chunks))


def byte_letters() -> list[str]:
    """The letters that stand for the 256 bytes in a byte-level tokenizer."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [byte for byte in range(256) if byte not in plain]
    return [chr(byte) for byte in plain] + [chr(256 + index) for index in range(len(rest))]


def write_model(folder: Path, seed: int) -> None:
    """A checkpoint as transformers writes it: a Llama of 40,000 parameters with a byte-level tokenizer."""
    folder.mkdir(parents=True)
    vocabulary = {name: index for index, name in enumerate(["<pad>", "<s>", "</s>", *byte_letters()])}
    special = [
        {"id": i, "content": name, "special": True, "single_word": False, "lstrip": False, "rstrip": False}
        | {"normalized": False}
        for i, name in enumerate(["<pad>", "<s>", "</s>"])
    ]
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    model = {"type": "BPE", "vocab": vocabulary, "merges": [], "dropout": None, "unk_token": None}
    tokenizer = {"version": "1.0", "added_tokens": special, "pre_tokenizer": level, "decoder": level, "model": model}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    names = {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>"}
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 512, **names})
    )
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": len(vocabulary)}
    config |= {"hidden_size": HIDDEN, "intermediate_size": MLP, "num_hidden_layers": LAYERS, "num_attention_heads": 2}
    config |= {"num_key_value_heads": 2, "max_position_embeddings": 512, "tie_word_embeddings": True}
    config |= {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "dtype": "float32", "rms_norm_eps": 1e-5}
    (folder / "config.json").write_text(json.dumps(config))
    tensors = {"model.embed_tokens.weight": [len(vocabulary), HIDDEN], "model.norm.weight": [HIDDEN]}
    for layer in range(LAYERS):
        at = f"model.layers.{layer}."
        tensors |= {f"{at}self_attn.{part}_proj.weight": [HIDDEN, HIDDEN] for part in "qkvo"}
        tensors |= {f"{at}mlp.{part}_proj.weight": [MLP, HIDDEN] for part in ("gate", "up")}
        tensors |= {f"{at}mlp.down_proj.weight": [HIDDEN, MLP]}
        tensors |= {f"{at}{part}_layernorm.weight": [HIDDEN] for part in ("input", "post_attention")}
    write_safetensors(folder / "model.safetensors", tensors, seed)


def write_data(folder: Path) -> None:
    draw = random.Random(3)

    def word() -> str:
        return " " + "".join(draw.choices("abcdefghijklmnop", k=3))

    folder.mkdir()
    for split, size in (("train", 4), ("test", 12)):
        rows = [
            {"question": f"Item{word()} is", "choices": [word() for _ in range(3)], "gold": draw.randrange(3)}
            for _ in range(size)
        ]
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


class World:
    """A folder with checkpoints, data and a task file, and the script started in it without network."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for step in (20, 100):
            write_model(folder / "demo" / "checkpoints" / f"step_{step}", step)
        unfinished = folder / "demo" / "checkpoints" / "step_200"
        shutil.copytree(folder / "demo" / "checkpoints" / "step_100", unfinished)
        (unfinished / "model.safetensors").unlink()
        write_data(folder / "data")
        (folder / "tasks.py").write_text(TASK_FILE)
        (folder / "site").mkdir()
        (folder / "site" / "sitecustomize.py").write_text(SITE)
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(folder / "site"),
            "CALLS": str(folder / "calls"),
            "IMPORTED": str(folder / "imported"),
            "HF_ENDPOINT": "http://127.0.0.1:9",
            "HF_HOME": str(folder / "hf"),
            "HF_TOKEN": "hf_" + "thisisasecretthatmustnotappear",
        }

    def command(self, *words: str, script: Path = SCRIPT) -> list[str]:
        """`uv run`, or for other files than the script the Python that it runs it with."""
        if PYTHON or script == SCRIPT:
            return [*([PYTHON] if PYTHON else ["uv", "run", "--script"]), str(script), *words]
        find = ["uv", "python", "find", "--script", str(SCRIPT)]
        found = subprocess.run(find, env=self.environment, capture_output=True, text=True, check=True)
        return [found.stdout.strip(), str(script), *words]

    def arguments(self, output: str, tasks: str, *more: str) -> list[str]:
        fixed = ["--custom-tasks", "tasks.py", "--limit", "10", "--output-dir", output]
        return self.command("--model", "demo", "--tasks", tasks, *fixed, *more)

    def start(self, command: list[str], **more: str) -> subprocess.CompletedProcess[str]:
        environment = {**self.environment, **more}
        done = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=900, check=False
        )
        print(done.stdout, done.stderr, sep="\n", file=sys.stderr)
        return done

    def imported(self) -> set[str]:
        return set((self.folder / "imported").read_text().split())

    def records(self, output: str) -> dict[tuple[str, str], dict]:
        """The records in an output folder by checkpoint and task."""
        paths = [p for p in (self.folder / output).rglob("*.json") if not p.name.endswith("_failure.json")]
        found = [json.loads(path.read_text()) for path in paths]
        return {(r["model_info"]["id"], r["eval_library"]["additional_details"]["task"]): r for r in found}

    def files(self) -> set[str]:
        return {str(path.relative_to(self.folder)) for path in (self.folder / "demo").rglob("*")}


def scores(record: dict) -> dict[str, float]:
    return {r["metric_config"]["metric_name"]: r["score_details"]["score"] for r in record["evaluation_results"]}


def without_time(record: dict, folder: Path) -> str:
    """A record and its samples, less what differs between two runs of the same."""
    samples = folder / record["detailed_evaluation_results"]["file_path"]
    text = json.dumps(record, sort_keys=True) + samples.read_text()
    text = re.sub(r'"(checksum|command|evaluation_timestamp|retrieved_timestamp)": ?"[^"]*"', "", text)
    return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|/\d{10}\b", "", text)


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> World:
    return World(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def first(world) -> subprocess.CompletedProcess[str]:
    """One run over two checkpoints and three tasks, without network."""
    world.before = world.files()
    return world.start(world.arguments("results", TASKS))


# --- what a run leaves ---


def test_a_run_measures_every_checkpoint_on_every_task(world, first):
    assert first.returncode == 0
    models, tasks = {"demo/step_20", "demo/step_100"}, {"colours|2", "copies|0", "words|0", "holes|0"}
    assert set(world.records("results")) == {(model, task) for model in models for task in tasks}
    lines = [line.split()[0] for line in first.stdout.splitlines() if line.startswith("demo/")]
    assert lines == ["demo/step_20", "demo/step_100"]
    assert "records: results/data (8 new, 0 finished before)" in first.stdout
    assert "step_200 is skipped: no weights" in first.stderr
    assert "Traceback" not in first.stderr


def test_the_network_was_not_needed(world, first):
    assert not (world.folder / "calls").exists(), (world.folder / "calls").read_text()


def test_nothing_is_written_into_the_model_folder(world, first):
    assert world.files() == world.before


def test_no_secret_and_no_machine_path_is_written(world, first):
    for path in (world.folder / "results").rglob("*.*"):
        text = path.read_text()
        assert "thisisasecret" not in text
        assert str(world.folder) not in text
    assert "thisisasecret" not in first.stdout + first.stderr


@pytest.mark.skipif(not CHECKER.exists(), reason="the record checker is not beside this checkout")
def test_records_are_valid(world, first):
    pytest.importorskip("jsonschema")
    spec = importlib.util.spec_from_file_location("check_records", CHECKER)
    checker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(checker)
    for path in (world.folder / "results").rglob("*.json"):
        assert checker.problems(path, json.loads(path.read_text())) == []


def test_a_record_says_what_was_measured(world, first):
    record = world.records("results")["demo/step_20", "colours|2"]
    details = record["model_info"]["additional_details"]
    assert details["step"] == "20"
    assert details["checkpoint"] == "step_20"
    assert details["path"] == "demo/checkpoints/step_20"
    accuracy, f1 = record["evaluation_results"]
    assert accuracy["evaluation_result_id"] == "colours|2/acc"
    assert accuracy["metric_config"]["metric_id"] == "accuracy"
    assert accuracy["metric_config"]["additional_details"]["aggregation"] == "mean"
    assert f1["metric_config"]["additional_details"]["aggregation"] == "corpus_f1"
    assert f1["score_details"]["uncertainty"]["standard_error"]["method"] == "bootstrap"
    assert accuracy["score_details"]["uncertainty"]["num_samples"] == 10
    assert accuracy["source_data"]["additional_details"]["path"] == "data"
    assert accuracy["generation_config"]["additional_details"]["dtype"] == "float32"
    copies = world.records("results")["demo/step_20", "copies|0"]["evaluation_results"]
    assert copies[0]["generation_config"]["generation_args"] == {"temperature": 0.0, "max_tokens": 8}
    assert copies[1]["metric_config"]["max_score"] == 100.0
    assert set(copies[0]["score_details"]["details"]) >= {"empty", "truncated", "unparsed"}


def test_samples_pair_between_checkpoints(world, first):
    rows = {}
    for (model, task), record in world.records("results").items():
        path = world.folder / "results" / record["detailed_evaluation_results"]["file_path"]
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        keys = [
            (r["evaluation_result_id"], r["sample_id"], r["sample_hash"], r["metadata"]["prompt_hash"]) for r in lines
        ]
        assert len(set(keys)) == len(keys)
        rows.setdefault(task, {})[model] = keys
    assert all(keys["demo/step_20"] == keys["demo/step_100"] for keys in rows.values())
    assert all(sample.startswith("test/") for _, sample, *_ in rows["words|0"]["demo/step_20"])


def test_scores_and_task_names_are_those_of_lighteval_itself(world, first):
    """Its own Pipeline on the same models; and no task of its registry is unknown to the names read from source."""
    helper = world.folder / "pipeline.py"
    helper.write_text(PIPELINE)
    copy = world.folder / "copy"  # the pipeline writes its cache into the model's folder
    shutil.copytree(world.folder / "demo" / "checkpoints", copy, ignore=shutil.ignore_patterns("step_200"))
    models = [str(copy / "step_20"), str(copy / "step_100")]
    words = [str(SCRIPT.parent), "colours|2,copies|0,words|0", "tasks.py", "pipeline_out", *models]
    done = world.start(world.command(*words, script=helper), HF_HUB_OFFLINE="1")
    assert "REFUSED[]" in done.stdout
    assert "INVENTED[]" in done.stdout
    found = json.loads(done.stdout.split("RESULTS")[1])
    records = world.records("results")
    for (model, task), record in records.items():
        if task == "holes|0":
            continue  # lighteval itself cannot run a task with an item that has no answer
        theirs = found[str(copy / model.split("/")[1])][task.replace("|", ":")]
        ours = {name: score for name, score in scores(record).items() if name != "chrf"}  # its chrF is of one answer
        assert ours == {name: pytest.approx(theirs[name], abs=1e-12) for name in ours}
        error = record["evaluation_results"][0]["score_details"]["uncertainty"]["standard_error"]["value"]
        name = record["evaluation_results"][0]["metric_config"]["metric_name"]
        assert error == pytest.approx(theirs[f"{name}_stderr"])
    assert scores(records["demo/step_20", "colours|2"]) != scores(records["demo/step_100", "colours|2"])


def test_chrf_and_ter_are_of_all_answers_and_not_of_the_first(world):
    helper = world.folder / "over_all.py"
    helper.write_text(OVER_ALL)
    done = world.start(world.command(str(SCRIPT.parent), script=helper), HF_HUB_OFFLINE="1")
    found = json.loads(done.stdout.split("FOUND")[1])
    for name, (ours, wanted, theirs, aggregation) in found.items():
        assert ours == pytest.approx(wanted) and aggregation == {"chrf_plus": "chrf++"}.get(name, name)
        assert theirs != pytest.approx(wanted)  # where this fails, lighteval has mended it: so may we


def test_an_item_that_cannot_be_scored_is_left_out_of_the_mean(world, first):
    record = world.records("results")["demo/step_20", "holes|0"]
    path = world.folder / "results" / record["detailed_evaluation_results"]["file_path"]
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    bad = [row for row in rows if row.get("error")]
    assert len(rows) == 10
    assert 0 < len(bad) < 10
    assert "IndexError" in bad[0]["error"]
    details = record["evaluation_results"][0]["score_details"]
    assert details["details"]["unscored"] == str(len(bad))
    assert details["uncertainty"]["num_samples"] == 10 - len(bad)


# --- running again ---


def test_a_rerun_skips_what_is_finished_without_loading_anything(world, first):
    done = world.start(world.arguments("results", TASKS, "--json"))
    assert done.returncode == 0
    answer = json.loads(done.stdout)
    assert answer["records"] == answer["failed"] == []
    assert [row["reason"] for row in answer["skipped"]].count("finished before") == 8
    assert not {"torch", "lighteval", "transformers", "huggingface_hub"} & world.imported()


def test_other_weights_at_the_same_path_give_other_scores_and_a_broken_task_a_failure(world, first):
    """The second run finds the weights of step_20 and step_100 exchanged; `broken` fails and the rest goes on."""
    before = world.records("results")
    checkpoints = world.folder / "demo" / "checkpoints"
    files = [checkpoints / name / "model.safetensors" for name in ("step_20", "step_100")]
    contents = [file.read_bytes() for file in files]
    for file, content in zip(files, reversed(contents), strict=True):
        file.write_bytes(content)
    try:
        done = world.start(world.arguments("exchanged", f"broken,{TASKS}", "--json"))
        answer = json.loads(done.stdout)
        failure = json.loads((world.folder / answer["failed"][0]["path"]).read_text())
    finally:
        for file, content in zip(files, contents, strict=True):
            file.write_bytes(content)
    assert done.returncode == 1
    assert len(answer["records"]) == 8
    assert {row["task"] for row in answer["failed"]} == {"broken|0"}
    assert "no such column" in failure["error"]
    assert failure["settings"]["limit"] == 10
    assert failure["log"]
    after = world.records("exchanged")
    other = {"demo/step_20": "demo/step_100", "demo/step_100": "demo/step_20"}
    assert all(scores(after[other[model], task]) == scores(record) for (model, task), record in before.items())


def test_killed_in_the_middle_it_goes_on_and_gives_the_same(world, first):
    command = world.arguments("resumed", TASKS)
    process = subprocess.Popen(
        command,
        cwd=world.folder,
        env={**world.environment, "SLOW": "3"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 600
    while not list((world.folder / "resumed").rglob("*[0-9a-f].json")) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    kept = {path: path.stat().st_mtime_ns for path in (world.folder / "resumed").rglob("*[0-9a-f].json")}
    assert 0 < len(kept) < 8
    done = world.start(command)
    assert done.returncode == 0
    assert f"({8 - len(kept)} new, {len(kept)} finished before)" in done.stdout
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    one, two = world.records("results"), world.records("resumed")
    for key, record in one.items():
        ours = without_time(record, world.folder / "results")
        assert ours == without_time(two[key], world.folder / "resumed"), "the same twice, but for names and times"


# --- what is refused ---


def test_an_unknown_task_is_refused_before_anything_heavy_is_loaded(world):
    done = world.start(world.command("--model", "demo", "--tasks", "hellaswg|5"))
    assert done.returncode == 2
    assert done.stdout == ""
    assert "hellaswag" in done.stderr
    assert "torch" not in world.imported()
