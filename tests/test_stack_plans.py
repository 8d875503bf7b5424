"""Plans and lists of tasks of the real harnesses, without torch."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TINY = ROOT / "examples" / "tiny_run"
PYTHON = os.environ.get("HUB_EVALS_VLLM_PYTHON")
pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(not PYTHON, reason="HUB_EVALS_VLLM_PYTHON names no Python with the harnesses"),
]
TOLD = """
import json, runpy, sys, time
sys.argv = sys.argv[1:]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
except SystemExit as end:
    loaded = sorted({"torch", "transformers", "vllm"} & sys.modules.keys())
    print(json.dumps([end.code, loaded, time.process_time()]), file=sys.stderr)
"""
SCRIPTS = {"lighteval": ("lighteval_vllm_uv.py", "tasks.py"), "lm_eval": ("lm_eval_vllm_uv.py", "lm_eval_tasks")}


def told(harness: str, folder: Path, *words: str) -> tuple[str, list]:
    """What a command prints; its exit code, the heavy packages that it imported, its processor seconds."""
    command = [PYTHON, "-c", TOLD, str(ROOT / "scripts" / SCRIPTS[harness][0]), *words]
    environment = {**os.environ, "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(folder / "hf")}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    print(done.stdout, done.stderr, sep="\n", file=sys.stderr)
    return done.stdout, json.loads(done.stderr.splitlines()[-1])


@pytest.mark.parametrize("harness", SCRIPTS)
def test_tasks_are_listed_without_torch(harness, tmp_path):
    out, (code, loaded, _) = told(harness, tmp_path, "--list-tasks", "mmlu")
    assert (code, loaded) == (0, [])
    assert "mmlu" in out.splitlines()[0]


@pytest.mark.parametrize("harness", SCRIPTS)
def test_a_plan_counts_items_and_requests_without_torch(harness, tmp_path):
    tasks = ["--tasks", "all", "--custom-tasks", str(TINY / SCRIPTS[harness][1])]
    out, (code, loaded, _) = told(
        harness, tmp_path, "--model", str(TINY / "checkpoints" / "step_500"), *tasks, "--dry-run", "--json"
    )
    assert (code, loaded) == (0, [])
    rows = json.loads(out)["tasks"]
    assert len(rows) == 15
    assert {row["items"] for row in rows} == {100}
    assert {row["requests"] for row in rows} == {100, 200, 300, 400}


@pytest.mark.parametrize("harness", SCRIPTS)
def test_a_plan_of_ones_own_questions_needs_no_torch(harness, tmp_path):
    (tmp_path / "quiz.jsonl").write_text('{"question": "1 + 1 =", "answer": "2"}\n')
    words = ["--model", str(TINY / "checkpoints" / "step_500"), "--questions", "quiz.jsonl", "--dry-run", "--json"]
    out, (code, loaded, _) = told(harness, tmp_path, *words)
    assert (code, loaded) == (0, [])
    assert json.loads(out)["tasks"][0]["items"] == 1


def test_a_plan_of_tasks_that_compute_with_torch_is_made_with_it(tmp_path):
    """Own tasks get torch itself; a harness's function that needs it makes the plan once more."""
    text = (
        (TINY / "tasks.py")
        .read_text()
        .replace("import json", "import json\nimport torch\nassert torch.ones(2).sum() == 2", 1)
    )
    assert "torch.ones" in text
    (tmp_path / "tasks.py").write_text(text)
    (tmp_path / "data").symlink_to(TINY / "data")
    tasks = ["--tasks", "all", "--custom-tasks", "tasks.py"]
    out, (code, loaded, _) = told(
        "lighteval", tmp_path, "--model", str(TINY / "checkpoints" / "step_500"), *tasks, "--dry-run", "--json"
    )
    assert code == 0
    assert "torch" in loaded
    assert {row["items"] for row in json.loads(out)["tasks"]} == {100}
