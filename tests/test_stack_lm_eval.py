"""lm_eval_vllm_uv.py with the real lm-eval, transformers and vLLM on the CPU, on the checkpoints of the example."""

import ast
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import convert_results as converter
import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "scripts" / "lm_eval_vllm_uv.py"
CHECKER = ROOT.parent / "shared" / "check_records.py"
TINY = ROOT / "examples" / "tiny_run"
PYTHON = os.environ.get("HUB_EVALS_VLLM_PYTHON")
# A, B and A again under another name, all in one sweep.
MODELS = {"demo/step_100": 100, "demo/step_700": 700, "demo/step_800": 100}
TASKS = "colours,copies,blanks,text,ends,holes"
SKILLS = "math_reasoning,translation,knowledge_retrieval,sentiment_analysis"
ITEMS = 12

pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(not PYTHON, reason="HUB_EVALS_VLLM_PYTHON names no Python with lm-eval, transformers and vLLM"),
]

COMMON = """
dataset_path: json
dataset_kwargs: {data_files: {train: data/train.jsonl, test: data/test.jsonl}}
training_split: train
test_split: test
fewshot_config: {sampler: first_n}
target_delimiter: ""
"""
TASK_FILES = {
    "colours": """
num_fewshot: 2
output_type: multiple_choice
doc_to_text: question
doc_to_choice: choices
doc_to_target: gold
metric_list: [{metric: acc}, {metric: acc_norm}, {metric: brier_score}]
""",
    "copies": """
output_type: generate_until
doc_to_text: !function utils.slow
doc_to_target: "{{choices[gold]}}"
generation_kwargs: {until: ["\\n"], max_gen_toks: 8, do_sample: false}
metric_list: [{metric: exact_match, aggregation: mean, higher_is_better: true}]
filter_list:
  - {name: strict-match, filter: [{function: regex, regex_pattern: "^ (\\\\d+)$"}, {function: take_first}]}
  - {name: flexible-extract, filter: [{function: regex, regex_pattern: "(\\\\w+)"}, {function: take_first}]}
""",
    "blanks": """
output_type: multiple_choice
doc_to_text: gold
doc_to_choice: !function utils.contexts
doc_to_target: " and so on."
metric_list: [{metric: acc}]
""",
    "text": """
output_type: loglikelihood_rolling
doc_to_text: ""
doc_to_target: "{{question * 12}}"
metric_list: [{metric: byte_perplexity}, {metric: bits_per_byte}]
""",
    "ends": """
output_type: loglikelihood
doc_to_text: question
doc_to_target: "{{choices[gold]}}"
metric_list: [{metric: acc, aggregation: mean, higher_is_better: true}]
""",
    "holes": """
output_type: generate_until
doc_to_text: question
doc_to_target: "{{choices[gold]}}"
generation_kwargs: {until: ["\\n"], max_gen_toks: 8, do_sample: false}
process_results: !function utils.holes
metric_list: [{metric: exact_match, aggregation: mean, higher_is_better: true}]
""",
    "broken": """
output_type: generate_until
doc_to_text: "{{no_such_column.upper()}}"
doc_to_target: question
generation_kwargs: {until: ["\\n"], max_gen_toks: 8, do_sample: false}
metric_list: [{metric: exact_match, aggregation: mean, higher_is_better: true}]
""",
}
UTILS = """
import os
import time


def slow(doc):
    time.sleep(float(os.environ.get("SLOW", "0")))
    return doc["question"]


def contexts(doc):
    return [doc["question"] + choice for choice in doc["choices"]]


def holes(doc, results):
    if doc["gold"] == 0:
        raise IndexError("this item has no answer")
    return {"exact_match": float(results[0].strip() == doc["choices"][doc["gold"]].strip())}
"""

# Put on PYTHONPATH: nothing may leave the machine, and what was imported is told at the end.
SITE = """
import atexit, os, socket, sys
def refuse(self, address, *rest):
    if self.family in (socket.AF_INET, socket.AF_INET6) and str(address[0]) not in ("127.0.0.1", "::1", "0.0.0.0"):
        with open(os.environ["CALLS"], "a") as log:
            print("connect", address, file=log)
        raise OSError("no network in this test")
    return connect(self, address, *rest)
connect, socket.socket.connect = socket.socket.connect, refuse
@atexit.register
def tell():
    with open(os.environ["IMPORTED"], "w") as log:
        print(*sorted({name.split(".")[0] for name in sys.modules}), file=log)
"""

# The script, which also leaves what the backend answered to every request, with all floating-point digits.
RECORDING = """
import json, sys
sys.path.insert(0, sys.argv.pop(1))
import lm_eval_vllm_uv as script
log = open(sys.argv.pop(1), "w")
for kind in (script.OnTransformers, script.OnVllm):
    def answers(self, jobs, ask=kind.answers):
        for number, replies in ask(self, jobs):
            if isinstance(replies, list):
                row = [id(self.engine.model), jobs[number].task.title, [repr(reply.responses) for reply in replies]]
                print(json.dumps(row), file=log, flush=True)
            yield number, replies
    kind.answers = answers
raise SystemExit(script.main(sys.argv[1:]))
"""

# lm-eval's own index of its tasks against the names that are read from the files' text.
CATALOG = """
import json, sys
sys.path.insert(0, sys.argv[1])
import lm_eval_vllm_uv as script
catalog = script.read_catalog(script.yaml_files(script.tasks_folder()))
from lm_eval.tasks import TaskManager
index = TaskManager().task_index
kinds = {"TASK": "task", "PY_TASK": "task", "GROUP": "group", "TAG": "tag"}
theirs = {name: (kinds[entry.kind.name], sorted(entry.tags) if entry.kind.name == "TAG" else []) for name, entry in
    index.items()}
ours = {name: (entry.kind, sorted(entry.members)) for name, entry in catalog.items()}
different = sorted(name for name in {*ours, *theirs} if ours.get(name) != theirs.get(name))
print("NAMES" + json.dumps([len(ours), different]))
print("KEYS" + json.dumps([name for name in script.LM_EVAL_TASKS.values() if name not in index]))
"""


class World:
    """A folder with checkpoints, data and YAML tasks, and the script started in it without network."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, step in MODELS.items():
            shutil.copytree(TINY / "checkpoints" / f"step_{step}", folder / "demo" / "checkpoints" / name[5:])
        for name in ("data", "lm_eval_tasks"):
            shutil.copytree(TINY / name, folder / "tasks" / "skills" / name)
        (folder / "data").mkdir()
        for split in ("train", "test"):
            rows = [
                {"question": f"Name the {index} of {split}:", "choices": [f" {index}", " red", " blue as"]}
                for index in range(ITEMS)
            ]
            lines = [json.dumps(row | {"gold": index % 3}) + "\n" for index, row in enumerate(rows)]
            (folder / "data" / f"{split}.jsonl").write_text("".join(lines))
        (folder / "tasks" / "_common").write_text(COMMON)
        (folder / "tasks" / "utils.py").write_text(UTILS)
        for name, text in TASK_FILES.items():
            (folder / "tasks" / f"{name}.yaml").write_text(f"task: {name}\ninclude: _common\n{text}")
        (folder / "tasks" / "some.yaml").write_text("group: some\ntask:\n  - copies\n  - ends\n")
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
            "CUDA_VISIBLE_DEVICES": "",
        }

    def start(self, *words: str, script: Path = SCRIPT, **more: str) -> subprocess.CompletedProcess[str]:
        command = [PYTHON, str(script), *words]
        environment = {**self.environment, **more}
        done = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=900, check=False
        )
        print(done.stdout, done.stderr, sep="\n", file=sys.stderr)
        return done

    def arguments(self, output: str, tasks: str) -> list[str]:
        return ["--model", "demo", "--tasks", tasks, "--custom-tasks", "tasks", "--output-dir", output]

    def evaluate(self, output: str, tasks: str, *more: str) -> subprocess.CompletedProcess[str]:
        return self.start(*self.arguments(output, tasks), *more)

    def record(self, output: str, *words: str) -> subprocess.CompletedProcess[str]:
        """The same, and what was answered goes to <output>.jsonl."""
        helper = self.folder / "recording.py"
        helper.write_text(RECORDING)
        return self.start(str(SCRIPT.parent), f"{output}.jsonl", *words, "--output-dir", output, script=helper)

    def answers(self, output: str) -> tuple[set[int], dict[str, list[list[str]]]]:
        """The engines that a recorded run had, and by task what they answered, once for each model."""
        rows = [json.loads(line) for line in (self.folder / f"{output}.jsonl").read_text().splitlines()]
        found: dict[str, list[list[str]]] = {}
        for _, task, replies in rows:
            found.setdefault(task, []).append(replies)
        return {engine for engine, *_ in rows}, found

    def imported(self) -> set[str]:
        return set((self.folder / "imported").read_text().split())


def records(folder: Path) -> dict[tuple[str, str], tuple[dict, list[dict]]]:
    """The records below a folder with their samples, by model and task."""
    found = {}
    for path in folder.rglob("*.json"):
        content = json.loads(path.read_text())
        if "evaluation_results" in content:
            lines = path.with_name(f"{path.stem}_samples.jsonl").read_text().splitlines()
            key = content["model_info"]["id"], content["evaluation_results"][0]["evaluation_name"]
            found[key] = content, [json.loads(line) for line in lines]
    return found


def without_time(record: dict, rows: list[dict]) -> str:
    """A record and its samples, less what differs between two runs of the same."""
    text = json.dumps([record, rows], sort_keys=True)
    text = re.sub(r'"(checksum|command|evaluation_timestamp|retrieved_timestamp)": ?"[^"]*"', "", text)
    return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|/\d{10}\b", "", text)


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> World:
    return World(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def first(world) -> subprocess.CompletedProcess[str]:
    """One run over the checkpoints with transformers; one task cannot be made."""
    world.before = set(world.folder.rglob("*"))
    return world.record("results", *world.arguments("results", f"{TASKS},{SKILLS},broken"))


@pytest.fixture(scope="module")
def swept(world) -> subprocess.CompletedProcess[str]:
    """The same checkpoints with vLLM."""
    words = world.arguments("vllm", f"colours,copies,ends,text,{SKILLS}")
    return world.record("vllm", *words, "--backend", "vllm", "--limit", "40")


@pytest.fixture(scope="module")
def theirs(world) -> dict[str, tuple[dict, list[dict]]]:
    """lm-eval's own command on the first checkpoint: results and samples of each task."""
    arguments = "pretrained=demo/checkpoints/step_100,dtype=float32"
    words = ["-m", "lm_eval", "run", "--model", "hf", "--model_args", arguments, "--include_path", "tasks"]
    words += ["--tasks", *TASKS.replace(",holes", "").split(","), "--batch_size", "32", "--device", "cpu"]
    command = [PYTHON, *words, "--output_path", "theirs", "--log_samples"]
    done = subprocess.run(command, cwd=world.folder, env=world.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    results = json.loads(next((world.folder / "theirs").rglob("results_*.json")).read_text())["results"]
    found = {}
    for name, result in results.items():
        path = next((world.folder / "theirs").rglob(f"samples_{name}_*.jsonl"))
        found[name] = result, [json.loads(line) for line in path.read_text().splitlines()]
    return found


# --- what a run leaves ---


def test_a_run_measures_every_checkpoint_on_every_task_and_says_what_failed(world, first):
    assert first.returncode == 1, "one task could not be made"
    found = records(world.folder / "results")
    assert set(found) == {(model, task) for model in MODELS for task in f"{TASKS},{SKILLS}".split(",")}
    assert "records: results/data (30 new, 0 finished before)" in first.stdout
    assert "Traceback" not in first.stderr
    failures = [json.loads(path.read_text()) for path in (world.folder / "results").rglob("*_failure.json")]
    assert {(failure["model_id"], failure["task"]) for failure in failures} == {(model, "broken") for model in MODELS}
    assert "no_such_column" in failures[0]["error"]


def test_nothing_leaves_the_machine_and_nothing_is_left_beside_the_results(world, first):
    assert not (world.folder / "calls").exists(), (world.folder / "calls").read_text()
    folders = (world.folder / "demo", world.folder / "tasks", world.folder / "data")
    after = {path for folder in folders for path in folder.rglob("*")}
    assert after <= world.before
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
        if not path.name.endswith("_failure.json"):
            assert checker.problems(path, json.loads(path.read_text())) == []


def test_records_are_what_lm_evals_own_command_says(world, first, theirs):
    """Scores, standard errors, prompts, answers and values of each item."""
    found = records(world.folder / "results")
    for task, (result, samples) in theirs.items():
        record, rows = found["demo/step_100", task]
        assert len(samples) == ITEMS * (2 if task == "copies" else 1)
        for row in record["evaluation_results"]:
            name = row["metric_config"]["metric_name"]
            assert row["score_details"]["score"] == pytest.approx(result[name], abs=1e-12)
            error = result[name.replace(",", "_stderr,")]
            if error != "N/A" and row["metric_config"]["additional_details"]["aggregation"] == "mean":
                ours = row["score_details"]["uncertainty"]["standard_error"]["value"]
                assert ours == pytest.approx(error, rel=1e-9)
            for sample in (sample for sample in samples if sample["filter"] == name.split(",")[1]):
                wanted = f"test/{sample['doc_id']}", row["evaluation_result_id"]
                line = next(line for line in rows if (line["sample_id"], line["evaluation_result_id"]) == wanted)
                value = sample[name.split(",")[0]]
                if isinstance(value, int | float):
                    assert line["evaluation"]["score"] == value
                if task == "copies":
                    assert line["output"]["raw"] == sample["resps"][0]
                    assert line["input"]["raw"] == sample["arguments"]["gen_args_0"]["arg_0"]


def test_who_scored_is_what_a_conversion_of_lm_evals_own_files_says(world, first, theirs, capsys):
    place = world.folder / "converted"
    assert converter.main([str(world.folder / "theirs"), "--output-dir", str(place), "--json"]) == 0
    capsys.readouterr()
    found = {task: record for (_, task), (record, _) in records(place).items()}
    ours = records(world.folder / "results")
    assert set(found) == set(theirs)
    for task, record in found.items():
        made = {
            row["metric_config"]["metric_name"]: row for row in ours["demo/step_100", task][0]["evaluation_results"]
        }
        for row in record["evaluation_results"]:
            own = made[row["metric_config"]["metric_name"]]
            assert own["metric_config"]["additional_details"] == row["metric_config"]["additional_details"], task
            for name in ("stop", "do_sample"):
                details = (one["generation_config"]["additional_details"].get(name) for one in (own, row))
                assert len(set(details)) == 1, (task, name)


def test_a_record_says_what_was_measured(world, first):
    record, rows = records(world.folder / "results")["demo/step_100", "copies"]
    strict, flexible = record["evaluation_results"]
    assert strict["evaluation_result_id"] == "copies|0/exact_match,strict-match"
    assert strict["metric_config"]["metric_id"] == "exact_match"
    assert flexible["metric_config"]["metric_id"] == "exact_match_flexible-extract"
    assert int(strict["score_details"]["details"]["unparsed"]) > 0
    assert strict["generation_config"]["generation_args"] == {"temperature": 0.0, "max_tokens": 8}
    assert strict["source_data"]["additional_details"]["path"] == "data"
    assert strict["source_data"]["additional_details"]["data_files"] == "test.jsonl,train.jsonl"
    assert record["eval_library"]["name"] == "lm-eval"
    assert rows[0]["metadata"]["prompt_hash"]
    colours = records(world.folder / "results")["demo/step_100", "colours"][0]["evaluation_results"]
    assert colours[0]["evaluation_result_id"] == "colours|2/acc,none"
    assert colours[0]["generation_config"]["additional_details"]["few_shot_split"] == "train"
    text = records(world.folder / "results")["demo/step_100", "text"][0]["evaluation_results"][0]["metric_config"]
    assert (text["metric_unit"], text["lower_is_better"]) == ("perplexity", True)


def test_samples_pair_between_checkpoints(world, first):
    found = records(world.folder / "results")
    for task in TASKS.split(","):
        one, two = (
            [
                (row["evaluation_result_id"], row["sample_id"], row["sample_hash"], row["metadata"]["prompt_hash"])
                for row in found[f"demo/step_{step}", task][1]
            ]
            for step in (100, 700)
        )
        assert one == two
        assert len(set(one)) == len(one)
        assert [name for _, name, *_ in one[:3]] == ["test/0", "test/1", "test/2"]


def test_an_item_that_cannot_be_scored_is_left_out_of_the_mean(world, first):
    record, rows = records(world.folder / "results")["demo/step_100", "holes"]
    bad = [row for row in rows if row.get("error")]
    assert {row["sample_id"] for row in bad} == {f"test/{index}" for index in range(0, ITEMS, 3)}
    assert "IndexError" in bad[0]["error"]
    details = record["evaluation_results"][0]["score_details"]
    assert details["details"]["unscored"] == str(len(bad))
    assert details["uncertainty"]["num_samples"] == ITEMS - len(bad)


# --- running again ---


def test_a_rerun_skips_what_is_finished_without_loading_anything(world, first):
    done = world.evaluate("results", TASKS, "--json")
    assert done.returncode == 0
    answer = json.loads(done.stdout)
    assert answer["records"] == answer["failed"] == []
    assert [row["reason"] for row in answer["skipped"]].count("finished before") == 18
    assert not {"torch", "lm_eval", "transformers", "datasets", "huggingface_hub"} & world.imported()


def test_killed_in_the_middle_it_goes_on_and_gives_the_same(world, first):
    process = subprocess.Popen(
        [PYTHON, str(SCRIPT), *world.arguments("resumed", "ends,copies,holes")],
        cwd=world.folder,
        env={**world.environment, "SLOW": "0.5"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 300
    while not list((world.folder / "resumed").rglob("*[0-9a-f].json")) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    kept = {path: path.stat().st_mtime_ns for path in (world.folder / "resumed").rglob("*[0-9a-f].json")}
    assert 0 < len(kept) < 9
    done = world.evaluate("resumed", "ends,copies,holes")
    assert done.returncode == 0
    assert f"({9 - len(kept)} new, {len(kept)} finished before)" in done.stdout
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    one, two = records(world.folder / "results"), records(world.folder / "resumed")
    for key, (record, rows) in two.items():
        ours = without_time(record, rows).replace('"ends,copies,holes"', "")
        assert ours == without_time(*one[key]).replace(f'"{TASKS}"', ""), "the same twice, but for names and times"


# --- one engine for all checkpoints ---


def test_transformers_swept_gives_the_bits_of_a_fresh_process(world, first, theirs):
    """A, B, A in one model; the fresh process is the command of lm-eval, for tasks alone of their kind there."""
    engines, found = world.answers("results")
    assert len(engines) == 1, "the weights were replaced in one model"
    for task, (one, other, again) in found.items():
        assert one == again, task
        assert one != other, task
    for task in ("copies", "text"):
        samples = [row for row in theirs[task][1] if row["filter"] in ("none", "strict-match")]
        ours = [str(ast.literal_eval(row)[0]) for row in found[task][0]]
        assert ours == [row["resps"][0][0] for row in samples]


def test_vllm_swept_gives_the_bits_of_a_fresh_process(world, swept):
    assert swept.returncode == 0
    engines, found = world.answers("vllm")
    assert len(engines) == 1, "the weights were replaced in one engine"
    for task, (one, other, again) in found.items():
        assert one == again, task
        assert one != other, task
    words = ["--model", "demo/checkpoints/step_700", *world.arguments("", f"colours,copies,ends,text,{SKILLS}")[2:-2]]
    assert world.record("fresh", *words, "--backend", "vllm", "--limit", "40").returncode == 0
    _, fresh = world.answers("fresh")
    assert fresh == {task: [other] for task, (_, other, _) in found.items()}


# --- the same task elsewhere ---


def same_items(ours: dict, theirs: dict) -> int:
    """The number of items, all of which have the same prompt, answer and value in both."""
    count = 0
    for key, (record, rows) in ours.items():
        committed = {row["sample_id"]: row for row in theirs[key][1]}
        for row in rows:
            same = ("sample_hash", "metadata", "input", "output", "evaluation")
            assert [row[name] for name in same] == [committed[row["sample_id"]][name] for name in same]
        data = [r["evaluation_results"][0]["source_data"]["additional_details"] for r in (record, theirs[key][0])]
        assert data[0]["data_sha256"] == data[1]["data_sha256"]
        count += len(rows)
    return count


def of_example(found: dict) -> dict:
    """The records of skills, under the names that the example's records have."""
    return {
        (f"tiny_run/step_{MODELS[model]}", task): value
        for (model, task), value in found.items()
        if task in SKILLS.split(",")
    }


def test_vllm_and_transformers_give_the_items_of_lighteval(world, first, swept):
    committed = records(TINY / "results")
    assert same_items(of_example(records(world.folder / "results")), committed) == 2 * 4 * 100
    assert same_items(of_example(records(world.folder / "vllm")), committed) == 2 * 4 * 40


def test_all_checkpoints_of_the_example_give_the_items_of_lighteval(world):
    """Same prompts, same scoring: lighteval's committed records have the same value, answer and hashes."""
    words = ["--model", str(TINY), "--tasks", "all", "--custom-tasks", str(TINY / "lm_eval_tasks"), "--limit", "10"]
    assert world.start(*words, "--output-dir", "tiny").returncode == 0
    assert same_items(records(world.folder / "tiny"), records(TINY / "results")) == 10 * 15 * 10


# --- names and refusals ---


def test_names_read_from_text_are_those_of_lm_evals_index(world):
    helper = world.folder / "catalog.py"
    helper.write_text(CATALOG)
    done = world.start(str(SCRIPT.parent), script=helper)
    count, different = json.loads(done.stdout.split("NAMES")[1].splitlines()[0])
    assert different == []
    assert count > 10_000
    assert json.loads(done.stdout.split("KEYS")[1].splitlines()[0]) == []


def test_a_dry_run_counts_requests_and_loads_no_model(world):
    done = world.evaluate("dry", "colours,some", "--dry-run", "--json", "--limit", "5")
    assert done.returncode == 0
    plan = json.loads(done.stdout)
    rows = {row["task"]: (row["items"], row["requests"], row["asked as"]) for row in plan["tasks"]}
    assert rows == {"colours|2": (5, 15, "colours"), "copies|0": (5, 5, "some"), "ends|0": (5, 5, "some")}
    assert plan["to_run"] == 9
    data = (world.folder / "demo" / "checkpoints" / "step_100" / "model.safetensors").read_bytes()
    assert plan["models"][0]["weights_bytes"] == pytest.approx(2 * len(data), rel=0.02), "kept in 16 bits, loaded in 32"
    assert not (world.folder / "dry").exists()


def test_an_unknown_task_is_refused_before_anything_heavy_is_loaded(world):
    done = world.start("--model", "demo", "--tasks", "hellaswg|5")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "hellaswag" in done.stderr
    assert not {"torch", "lm_eval", "datasets"} & world.imported()
