"""--watch with a real harness and model, killed while the training writes: each checkpoint is measured once."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import lm_eval_vllm_uv as script
import pytest
from test_watch_killed import LAST, train

ROOT = Path(__file__).resolve().parent.parent
TINY = ROOT / "examples" / "tiny_run"
PYTHON = os.environ.get("HUB_EVALS_VLLM_PYTHON")
KILLS = 3
pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(not PYTHON, reason="HUB_EVALS_VLLM_PYTHON names no Python with the harnesses"),
]


def test_a_watch_that_is_killed_goes_on_where_it_was(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    tasks = ["--tasks", "sentiment_analysis", "--custom-tasks", str(TINY / "lm_eval_tasks"), "--limit", "10"]
    command = [PYTHON, str(ROOT / "scripts" / "lm_eval_vllm_uv.py"), "--model", "run", *tasks]
    command += ["--backend", "hf", "--watch", "--until-step", str(LAST)]
    environment = {**os.environ, "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path / "hf")}
    training = threading.Thread(target=train, args=(run, random.Random(1)))
    for number in range(KILLS):
        child = subprocess.Popen(
            command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        if not number:
            training.start()
        for line in child.stderr:
            if "is loaded" in line or "sentiment_analysis|0:" in line:
                break  # in the middle of the first of its checkpoints, or behind a later one
        time.sleep(random.Random(number).random())
        os.kill(child.pid, signal.SIGKILL)
        child.communicate()
    training.join()
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    print(done.stdout, done.stderr, sep="\n", file=sys.stderr)
    assert done.returncode == 0
    found = []
    for path in (tmp_path / "results").rglob("*.json"):
        record = json.loads(path.read_text())
        assert script.contradictions(path, record, script.MetricMapping({}, {}, {})) == []
        details = record["model_info"]["additional_details"]
        assert details["weights_sha256"] == script.weights_sha256(run / details["checkpoint"])
        assert details["model_files_sha256"] == script.model_files_sha256(run / details["checkpoint"])
        found.append(details["checkpoint"])
    assert sorted(found) == sorted(f"checkpoint-{step}" for step in range(100, LAST + 1, 100))
