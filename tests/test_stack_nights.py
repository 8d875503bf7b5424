"""Nights, the weights overwritten in between, from there to the gate: lm-eval's own command into one output folder, and
the workflow of examples/ci with all its steps.

HUB_EVALS_VLLM_PYTHON is the Python of an environment with lm-eval.
"""

from __future__ import annotations

import json
import os
import shutil
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from pathlib import Path

import benchmark_calculator as calculator
import compare_results as cr
import convert_results as converter
import pytest
from test_ci_gates import MODELS, github_steps, run_steps, runner  # noqa: F401
from test_stack_convert_results import start

pytestmark = pytest.mark.stack

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "examples" / "tiny_run"
PYTHON = os.environ.get("HUB_EVALS_VLLM_PYTHON", "")
SIDES = ["--baseline", "models/baseline", "--candidate"]
TASK = """
task: my_quiz
dataset_path: json
dataset_kwargs: {{data_files: {{test: {data}}}}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{{{prompt}}}}"
doc_to_choice: "{{{{choices}}}}"
doc_to_target: "{{{{choices.index(answer)}}}}"
metric_list: [{{metric: acc, aggregation: mean, higher_is_better: true}}]
metadata: {{version: 1.0}}
"""


def evaluate(place: Path, model: str) -> None:
    """One night: lm-eval's own command, as a user starts it."""
    lm_eval = [Path(PYTHON).parent / "lm_eval", "--model", "hf", "--model_args", f"pretrained={model},dtype=float32"]
    asked = ["--tasks", "my_quiz", "--include_path", "tasks", "--device", "cpu", "--batch_size", "25"]
    job = start(place, *lm_eval, *asked, "--output_path", "evals", "--log_samples")
    assert job.wait(timeout=400) == 0, (place / "log.txt").read_text()[-1500:]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """The baseline measured once; a candidate that is good on the first night and bad on the second and third.

    The copies keep the dates of their originals, which are older than any night.
    """
    if not PYTHON:
        pytest.skip("HUB_EVALS_VLLM_PYTHON is not set: the Python of an environment with lm-eval")
    place = tmp_path_factory.mktemp("nights")
    (place / "tasks").mkdir()
    data = EXAMPLE / "data" / "question_answering" / "test.jsonl"
    (place / "tasks" / "my_quiz.yaml").write_text(TASK.format(data=data))
    for step, model in ((500, "baseline"), (700, "candidate"), (100, "candidate"), (None, "candidate")):
        if step:
            shutil.copytree(EXAMPLE / "checkpoints" / f"step_{step}", place / "models" / model, dirs_exist_ok=True)
        evaluate(place, f"models/{model}")
    return place


def theirs(place: Path, model: str) -> list[tuple[str, float, dict[int, float]]]:
    """(date, lm-eval's own score, score of each item) of each night, in order."""
    found = []
    for path in sorted((place / "evals" / f"models__{model}").glob("results_*.json")):
        document = json.loads(path.read_text())
        (samples,) = path.parent.glob(f"samples_my_quiz_{path.stem.removeprefix('results_')}.jsonl")
        rows = {row["doc_id"]: row["acc"] for row in map(json.loads, samples.read_text().splitlines())}
        when = datetime.fromtimestamp(document["date"], UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        found.append((when, document["results"]["my_quiz"]["acc,none"], rows))
        assert found[-1][1] == pytest.approx(sum(rows.values()) / len(rows), abs=1e-12)
    return found


def call(capsys, script, *arguments) -> tuple[int, str, str]:
    code = script.main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.mark.parametrize("options", [[], ["--checkpoints", "models"]])
def test_three_nights_of_lm_eval_itself(place, tmp_path, options, capsys, monkeypatch):
    monkeypatch.chdir(place)
    results, report = tmp_path / "results", tmp_path / "gate.xml"
    ((_, base, base_items),), nights = theirs(place, "baseline"), theirs(place, "candidate")
    first, second, third = (score for _, score, _ in nights)
    assert len(nights) == 3 and first > base > second == third  # greedy, and the same weights twice
    assert call(capsys, converter, "evals", "--output-dir", results, *options)[0] == 0
    records = [json.loads(path.read_text()) for path in results.rglob("*candidate/*.json")]
    records.sort(key=lambda record: record["evaluation_timestamp"])
    hashes = [record["model_info"]["additional_details"].get("weights_sha256") for record in records]
    assert [bool(one) for one in hashes] == ([False, True, True] if options else [False] * 3)

    code, out, err = call(capsys, cr, *SIDES, "models/candidate", "--results", results)
    assert (code, out) == (3, "") and f"models/candidate@{nights[0][0]}" in err and "--latest" in err

    policy = ["--policy", ROOT / "examples/ci/nightly.yaml", "--results", results, "--json", "--junit", report]
    code, out, _ = call(capsys, cr, *SIDES, "models/candidate", *policy)
    (row,) = json.loads(out)["benchmarks"]
    assert (code, row["verdict"], row["benchmark"], row["n"]) == (1, "NO-GO", "my_quiz", 100)
    assert row["delta"] == pytest.approx(third - base) and row["baseline"]["score"] == pytest.approx(base)
    lost = sum(base_items[item] > score for item, score in nights[-1][2].items())
    assert row["lost"] == lost
    assert ET.parse(report).getroot().get("failures") == "1"

    code, out, _ = call(capsys, cr, *SIDES, f"models/candidate@{nights[0][0]}", *policy)
    (row,) = json.loads(out)["benchmarks"]
    assert (code, row["verdict"]) == (0, "GO") and row["delta"] == pytest.approx(first - base)

    code, out, _ = call(capsys, cr, *SIDES, "models/candidate", *policy, "--history", 3)
    (row,) = json.loads(out)["benchmarks"]
    assert code == 1 and row["delta"] == pytest.approx(third - base)

    code, out, _ = call(capsys, calculator, "models/candidate", "--history", 9, "--results", results, "--json")
    shown = [night["score"] for night in json.loads(out)["tasks"][0]["nights"]]
    assert code == 0 and shown == [first, second, third]


def test_the_github_workflow_measures_keeps_and_gates(runner):  # noqa: F811
    """All its steps by bash, night after night in one checkout, whose folder of nights is what the cache keeps."""
    steps = [step["run"] for step in github_steps() if "run" in step]
    shutil.copytree(EXAMPLE / "checkpoints" / "step_800", runner / MODELS["BASELINE"])
    codes = []
    for step in (700, 1000):
        shutil.copytree(EXAMPLE / "checkpoints" / f"step_{step}", runner / MODELS["CANDIDATE"], dirs_exist_ok=True)
        codes.append(run_steps(steps, MODELS, runner))
    assert codes == [[0, 3, 0], [0, 1, 0]]
    document = json.loads((runner / "gate.json").read_text())
    rows = {row["benchmark"]: row for row in document["benchmarks"]}
    assert len(rows) == 15 and rows["translation"]["verdict"] == "NO-GO"
    assert rows["translation"]["delta"] == pytest.approx(-0.51) and rows["translation"]["n"] == 100
    assert "2 nights that can be compared" in " ".join(rows["translation"]["notes"])
    records = [json.loads(path.read_text()) for path in runner.glob("nights/data/translation/*/candidate/*.json")]
    assert len({one["model_info"]["additional_details"]["weights_sha256"] for one in records}) == len(records) == 2
    assert len(list(runner.glob("nights/data/translation/*/release/*.json"))) == 1  # measured once, and found again
