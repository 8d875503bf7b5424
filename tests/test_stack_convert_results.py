"""Files that the harnesses themselves wrote, converted: the same numbers and items as they and our scripts have.

HUB_EVALS_VLLM_PYTHON is the Python of an environment with lighteval, lm-eval and inspect-ai.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import convert_results as converter
import pytest

pytestmark = pytest.mark.stack

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "examples" / "tiny_run"
SHARED = ROOT.parent / "shared"
PYTHON = os.environ.get("HUB_EVALS_VLLM_PYTHON", "")
LIMIT = 6
TASKS = "math_reasoning|0,reading_comprehension|2"

# lighteval imports all its tasks, and one of them fetches a file from the internet.
LIGHTEVAL = """
import sys, types
module = types.ModuleType("lighteval.tasks.tasks.tiny_benchmarks")
module.TASKS_TABLE = []
sys.modules[module.__name__] = module
from lighteval.__main__ import app
sys.argv = ["lighteval", *sys.argv[1:]]
app()
"""
LM_EVAL_TASK = """
task: tiny_reading
dataset_path: json
dataset_kwargs:
  data_files:
    train: {data}/reading_comprehension/train.jsonl
    test: {data}/reading_comprehension/test.jsonl
test_split: test
fewshot_split: train
output_type: multiple_choice
doc_to_text: "{{{{prompt}}}}"
doc_to_choice: "{{{{choices}}}}"
doc_to_target: "{{{{choices.index(answer)}}}}"
num_fewshot: 1
metric_list:
  - metric: acc
  - metric: acc_norm
metadata:
  version: 1.0
"""
LM_EVAL_GROUP = """
group: tiny_group
task: [tiny_reading]
aggregate_metric_list: [{metric: acc}]
metadata: {version: 1}
"""
INSPECT_TASKS = """
from inspect_ai import Epochs, Task, task
from inspect_ai.dataset import FieldSpec, json_dataset
from inspect_ai.scorer import includes, match
from inspect_ai.solver import generate, solver

DATA = "{data}/math_reasoning/test.jsonl"

@solver
def broken():
    async def solve(state, generate):
        raise RuntimeError("broken")
    return solve

@task
def tiny_math():
    items = json_dataset(DATA, FieldSpec(input="prompt", target="answer", id="id"))
    return Task(dataset=items, solver=generate(), scorer=[match(), includes()], epochs=Epochs(2, ["mean", "max"]))

@task
def tiny_fail():
    return Task(dataset=json_dataset(DATA, FieldSpec(input="prompt", target="answer")), solver=broken(), scorer=match())
"""


def start(folder: Path, *command: object) -> subprocess.Popen:
    """A command of the environment with the harnesses, offline, its output in a file."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "OMP_WAIT_POLICY": "PASSIVE",
        "OMP_NUM_THREADS": "1",
    }
    environment |= {"HF_HOME": str(folder / "hf"), "TOKENIZERS_PARALLELISM": "false", "CUDA_VISIBLE_DEVICES": ""}
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "log.txt").open("wb") as log:
        return subprocess.Popen(list(map(str, command)), cwd=folder, env=environment, stdout=log, stderr=log)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Each harness's own command on one checkpoint, and our script on the same items; all at once."""
    if not PYTHON:
        pytest.skip("HUB_EVALS_VLLM_PYTHON is not set: the Python of an environment with the harnesses")
    base, tools = tmp_path_factory.mktemp("runs"), Path(PYTHON).parent
    shutil.copytree(EXAMPLE / "checkpoints" / "step_700", base / "tiny_run" / "step_700")  # lighteval writes into it
    shutil.copytree(EXAMPLE / "data", base / "data")
    shutil.copy(EXAMPLE / "tasks.py", base / "tasks.py")
    model = base / "tiny_run" / "step_700"
    (base / "run_lighteval.py").write_text(LIGHTEVAL)  # not lighteval.py: it would be imported as that
    (base / "lm_tasks").mkdir()
    (base / "lm_tasks" / "task.yaml").write_text(LM_EVAL_TASK.format(data=base / "data"))
    (base / "lm_tasks" / "group.yaml").write_text(LM_EVAL_GROUP)
    (base / "inspect").mkdir()
    (base / "inspect" / "tiny_tasks.py").write_text(INSPECT_TASKS.format(data=base / "data"))
    script = [PYTHON, ROOT / "scripts" / "lighteval_vllm_uv.py", "--model", model, "--tasks", TASKS, "--limit", LIMIT]
    lighteval = [
        PYTHON,
        base / "run_lighteval.py",
        "accelerate",
        f"model_name={model},batch_size=6,dtype=float32",
        TASKS,
    ]
    lm_eval = [
        tools / "lm_eval",
        "--model",
        "hf",
        "--model_args",
        f"pretrained={model},dtype=float32",
        "--device",
        "cpu",
    ]
    inspect = [tools / "inspect", "eval", "tiny_tasks.py", "--model", f"hf/{model}", "--limit", LIMIT]
    jobs = [
        start(
            base / "script", *script, "--custom-tasks", base / "tasks.py", "--output-dir", "out", "--batch-size", "6"
        ),
        start(
            base / "lighteval",
            *lighteval,
            *("--custom-tasks", base / "tasks.py", "--max-samples", LIMIT, "--output-dir", "out", "--save-details"),
        ),
        start(
            base / "lm_eval",
            *(*lm_eval, "--tasks", "tiny_group", "--include_path", base / "lm_tasks", "--limit", LIMIT),
            *("--output_path", "out", "--log_samples", "--batch_size", "6"),
        ),
        start(
            base / "inspect",
            *(*inspect, "-M", "device=cpu", "-M", "do_sample=false", "--max-connections", "6", "--max-tokens", "8"),
            *("--log-dir", "out", "--display", "none"),
        ),
    ]
    codes = [job.wait(timeout=400) for job in jobs]
    logs = [(base / name / "log.txt").read_text()[-1500:] for name in ("script", "lighteval", "lm_eval", "inspect")]
    assert codes[:3] == [0, 0, 0], logs
    return base


def by_result(output: Path, name: str):
    """Result id -> (record, result, sample rows by id) of the records of one harness."""
    found = {}
    for path in output.glob("data/*/*/*/*.json"):
        record = json.loads(path.read_text())
        if path.name.endswith("_failure.json") or record["eval_library"]["name"] != name:
            continue
        lines = path.with_name(f"{path.stem}_samples.jsonl").read_text().splitlines()
        for result in record["evaluation_results"]:
            wanted = result["evaluation_result_id"]
            rows = {row["sample_id"]: row for row in map(json.loads, lines) if row["evaluation_result_id"] == wanted}
            found[wanted] = record, result, rows
    return found


def convert(runs: Path, harness: str, capsys, monkeypatch) -> tuple[int, dict]:
    monkeypatch.chdir(runs)
    arguments = [str(runs / harness / "out"), "--output-dir", str(runs / "records"), "--json"]
    # What the files point at may be hashed only where the command line says so.
    arguments += ["--checkpoints", str(runs / "tiny_run"), "--data", str(runs / "data")]
    code = converter.main(arguments)
    answer = json.loads(capsys.readouterr().out)
    again = converter.main(arguments)
    assert again == code
    assert json.loads(capsys.readouterr().out)["records"] == []
    return code, answer


def test_lighteval_files_equal_what_the_script_measures(runs, capsys, monkeypatch):
    code, answer = convert(runs, "lighteval", capsys, monkeypatch)
    assert code == 0
    assert [row["task"] for row in answer["skipped"]] == ["all"]
    own, made = by_result(runs / "script" / "out", "lighteval"), by_result(runs / "records", "lighteval")
    assert set(own) == set(made) == {"math_reasoning|0/em", "reading_comprehension|2/acc"}
    for name, (record, result, rows) in own.items():
        other, converted, items = made[name]
        assert converted["score_details"]["score"] == result["score_details"]["score"]
        assert converted["score_details"]["uncertainty"] == result["score_details"]["uncertainty"]
        assert converted["metric_config"] == result["metric_config"]
        assert converted["generation_config"]["generation_args"] == result["generation_config"]["generation_args"]
        for detail in ("limit", "few_shot", "dtype", "use_chat_template"):
            asked = result["generation_config"]["additional_details"][detail]
            assert converted["generation_config"]["additional_details"][detail] == asked, detail
        weights = record["model_info"]["additional_details"]["weights_sha256"]
        assert other["model_info"]["additional_details"]["weights_sha256"] == weights
        assert other["model_info"]["id"] == record["model_info"]["id"] == "tiny_run/step_700"
        assert set(items) == set(rows)
        for key, row in rows.items():
            other_than = {"evaluation_id": "", "metadata": {}}
            assert items[key] | other_than == row | other_than
            assert row["metadata"].items() <= items[key]["metadata"].items()


def test_lm_eval_files(runs, capsys, monkeypatch):
    code, answer = convert(runs, "lm_eval", capsys, monkeypatch)
    assert code == 0
    assert [row["task"] for row in answer["skipped"]] == ["tiny_group"]
    raw = json.loads(next((runs / "lm_eval" / "out").rglob("results_*.json")).read_text())
    lines = next((runs / "lm_eval" / "out").rglob("samples_*.jsonl")).read_text().splitlines()
    made = by_result(runs / "records", "lm-eval")
    assert set(made) == {"tiny_reading|1/acc,none", "tiny_reading|1/acc_norm,none"}
    for metric in ("acc", "acc_norm"):
        record, result, rows = made[f"tiny_reading|1/{metric},none"]
        assert result["score_details"]["score"] == raw["results"]["tiny_reading"][f"{metric},none"]
        error = result["score_details"]["uncertainty"]["standard_error"]["value"]
        assert error == raw["results"]["tiny_reading"][f"{metric}_stderr,none"]
        assert result["generation_config"]["additional_details"]["limit"] == str(LIMIT)
        assert record["model_info"]["id"] == "tiny_run/step_700"
        assert record["eval_library"]["version"] == raw["lm_eval_version"]
        for text in lines:
            row = json.loads(text)
            item = rows[row["doc"]["id"]]
            assert item["evaluation"]["score"] == row[metric]
            assert item["input"]["raw"] == row["doc"]["prompt"]
            assert item["input"]["reference"] == [f" {row['doc']['answer']}"]
            assert item["metadata"]["prompt_hash"] == row["prompt_hash"][:16]
            # the choice that is shown is the one that was scored
            assert (item["output"]["raw"] == item["input"]["reference"]) == bool(row[metric])


def test_inspect_logs(runs, capsys, monkeypatch):
    code, answer = convert(runs, "inspect", capsys, monkeypatch)
    assert code == 1  # a task of the file is broken
    assert [row["task"] for row in answer["failures"]] == ["tiny_fail"]
    (record,) = {id(record): record for record, _, _ in by_result(runs / "records", "inspect_ai").values()}.values()
    names = [result["evaluation_result_id"] for result in record["evaluation_results"]]
    assert names == [
        f"tiny_math/{name}" for name in ("match_accuracy", "match_max", "includes_accuracy", "includes_max")
    ]
    rows = by_result(runs / "records", "inspect_ai")["tiny_math/match_accuracy"][2]
    assert sorted(rows) == [f"math_reasoning-test-{i:03}" for i in range(LIMIT)]
    assert all(len(row["output"]["raw"]) == 2 for row in rows.values())
    source = record["evaluation_results"][0]["source_data"]["additional_details"]
    assert source["data_sha256"] == converter.data_sha256(runs / "data" / "math_reasoning")


def test_the_records_keep_the_schema_and_name_no_folder_of_this_machine(runs):
    text = "".join(path.read_text() for path in (runs / "records").rglob("*.json*"))
    assert str(runs) not in text
    script = SHARED / "check_records.py"
    if not script.is_file():
        pytest.skip("the checker is not here")
    done = subprocess.run(["python3", str(script), str(runs / "records")], capture_output=True, text=True, check=False)
    if "No module named" in done.stderr:
        pytest.skip("the checker needs jsonschema")
    assert done.returncode == 0, done.stdout
