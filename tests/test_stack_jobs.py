"""Jobs for real: what run_vllm_eval_job.py sends runs on this machine, and its records lead to a choice of checkpoint.

The local Hub's job runner starts the submitted script in an empty folder, with no environment but the job's own.
HUB_EVALS_STACK_PYTHON=/path/to/python runs it in place of `uv run`, which would install the script's packages.
"""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import benchmark_calculator
import pytest
import run_vllm_eval_job as script
from local_hub import local_hub
from local_jobs import Process

ROOT = Path(__file__).resolve().parent.parent
RUN = ROOT / "examples" / "tiny_run"
CHECKER = ROOT.parent / "shared" / "check_records.py"
PYTHON = os.environ.get("HUB_EVALS_STACK_PYTHON")
STEPS = (100, 700)
SKILL = "common_sense"

pytestmark = pytest.mark.stack

TASKS = f"""
from lighteval.metrics.metrics import Metrics
from lighteval.tasks.lighteval_task import LightevalTaskConfig
from lighteval.tasks.requests import Doc


def prompt(line, task_name):
    choices = [f" {{choice}}" for choice in line["choices"]]
    gold = line["choices"].index(line["answer"])
    return Doc(task_name=task_name, query=line["prompt"], choices=choices, gold_index=gold)


def broken(line, task_name):
    raise KeyError("no such column")


def task(name, function):
    return LightevalTaskConfig(
        name=name, prompt_function=function, metrics=[Metrics.loglikelihood_acc], hf_repo="me/tiny-skills",
        hf_subset="default", hf_avail_splits=["train", "test"], evaluation_splits=["test"], few_shots_split="train",
        few_shots_select="sequential")


TASKS_TABLE = [task("{SKILL}", prompt), task("broken", broken)]
"""


@pytest.fixture
def hub(tmp_path, tmp_path_factory, monkeypatch):
    """A Hub with two checkpoints and a data set, whose jobs really run."""
    with local_hub(tmp_path / "home") as found:
        for step in STEPS:
            folder = RUN / "checkpoints" / f"step_{step}"
            found.create_repo(f"me/tiny-step_{step}", files={p.name: p.read_bytes() for p in folder.iterdir()})
        items = RUN / "data" / SKILL
        found.create_repo("me/tiny-skills", "dataset", files={p.name: p.read_bytes() for p in items.iterdir()})
        found.jobs.runner = Process(found, tmp_path_factory.getbasetemp() / "machines", PYTHON)
        (tmp_path / "here").mkdir()
        monkeypatch.chdir(tmp_path / "here")
        monkeypatch.setattr(script, "POLL_SECONDS", 1.0)
        Path("skills.py").write_text(TASKS)
        yield found
        found.jobs.runner.stop()


def command(*tasks):
    models = [f"me/tiny-step_{step}" for step in STEPS]
    sent = ["--backend", "accelerate", "--hardware", "cpu-basic", "--custom-tasks", "skills.py", "--limit", "8"]
    return ["--model", *models, "--task", *tasks, *sent, "--run-id", "tiny", "--yes", "--wait"]


def test_submit_run_collect_and_choose(hub, capsys):
    assert script.main([*command(f"{SKILL}|0"), "--split", "model"]) == 0, logs(hub)
    capsys.readouterr()
    assert script.main(["collect", "tiny"]) == 0
    assert "2 records in results/data" in capsys.readouterr().out
    records = sorted(Path("results").glob("data/*/*/*/*-*[0-9a-f].json"))
    assert len(records) == 2
    for path in records:
        content = json.loads(path.read_text())
        assert len(path.with_name(f"{path.stem}_samples.jsonl").read_text().splitlines()) == 8
        assert content["model_info"]["id"] in {f"me/tiny-step_{step}" for step in STEPS}
    if CHECKER.is_file():
        checked = subprocess.run(["uv", "run", str(CHECKER), "results"], capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stdout + checked.stderr
    assert hub.token not in logs(hub)
    for text in Path().rglob("*.json*"):
        assert hub.token not in text.read_text()
    # The records name Hub models; the checkpoints on this machine have the same weights.
    folder = Path("checkpoints")
    for step in STEPS:
        shutil.copytree(RUN / "checkpoints" / f"step_{step}", folder / f"step_{step}")
    code = benchmark_calculator.main([str(folder), "--results", "results", "--json", "--full"])
    answer = json.loads(capsys.readouterr().out)
    assert code == 0
    assert answer["score_source"] == "measured"
    assert {row["name"] for row in answer["checkpoints"]} == {f"step_{step}" for step in STEPS}
    # Nothing is run twice: the same plan again finds all jobs done.
    assert script.main([*command(f"{SKILL}|0"), "--split", "model"]) == 0
    assert len(hub.jobs.all) == 2


def test_a_failed_task_is_told_and_the_rest_is_kept(hub, capsys):
    assert script.main(command(f"{SKILL}|0", "broken|0")) == 1, logs(hub)
    captured = capsys.readouterr()
    assert "Job failed with exit code: 1" in captured.err
    assert "KeyError" in captured.err
    assert script.main(["collect", "tiny"]) == 1
    captured = capsys.readouterr()
    assert "2 records in" in captured.out
    assert captured.err.count("broken|0 failed: ") == 2
    assert captured.err.count("missing: me/tiny-step_") == 2
    # Sent again, the job measures only what it has not: the first job's records are found in the data set.
    assert script.main(["--run-id", "tiny", "--yes", "--wait"]) == 1
    assert "2 finished before" in logs(hub)
    capsys.readouterr()
    assert script.main(["collect", "tiny"]) == 1
    assert "2 records in" in capsys.readouterr().out


def fences_of_reference():
    """The commands of the three runs from end to end in references/jobs.md, run by run."""
    text = (ROOT / "references" / "jobs.md").read_text().partition("## Without paying")[2]
    fences = re.findall(r"^```bash\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return fences[1:]  # the first starts the Hub


def test_the_examples_of_the_reference_run_as_written(hub, tmp_path):
    place = tmp_path / "project"
    place.mkdir()
    for name in ("scripts", "examples", "metric_mapping.json"):
        (place / name).symlink_to(ROOT / name)
    environment = os.environ | hub.environment(tmp_path / "home2")
    fences = fences_of_reference()
    assert len(fences) == 3
    for text in fences:
        script_text = "set -e\n" + text
        options = {"cwd": place, "env": environment, "capture_output": True, "text": True, "timeout": 1500}
        done = subprocess.run(["bash", "-c", script_text], check=False, **options)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:] + logs(hub)[-3000:]
    for folder, count in (("from-jobs", 2), ("from-jobs-2", 2), ("by-hand", 1)):
        assert len(list((place / folder).glob("data/*/*/*/*-*[0-9a-f].json"))) == count, folder
    assert len(hub.jobs.all) == 4
    run = json.loads((place / "runs" / "second" / "run.json").read_text())
    spent = sum(usd for job in run["jobs"] for usd in job["state"]["tries"].values())
    own = [job for job in hub.jobs.accepted if job.labels.get("eval-run") == "second"]
    assert spent == pytest.approx(sum(job.cost for job in own), abs=0.005)
    records = [json.loads(path.read_text()) for path in (place / "from-jobs").glob("data/*/*/*/*-*[0-9a-f].json")]
    assert all(record["eval_library"]["additional_details"]["packages_sha256"] for record in records)


def logs(hub):
    return "\n".join(line for job in hub.jobs.all.values() for _, line in job.logs)


# Script, arguments with a canonical key that the harness spells otherwise, and what the answer has.
ALONE = [
    ("lighteval_vllm_uv.py", ["--model", "step_100", "--tasks", "arc_easy|0", "--dry-run"], "arc:easy|0"),
    ("inspect_vllm_uv.py", ["--model", "step_100", "--task", "aime_2024", "--backend", "hf", "--dry-run"], "aime2024"),
    ("inspect_eval_uv.py", ["--model", "me/tiny", "--task", "aime_2024", "--dry-run"], "aime2024"),
    ("lm_eval_vllm_uv.py", ["--list-tasks", "web_questions"], "web_questions"),
]


@pytest.mark.parametrize(("name", "words", "said"), ALONE, ids=[name for name, _, _ in ALONE])
def test_an_evaluation_script_works_alone(hub, tmp_path, name, words, said):
    """A job has the script and nothing else of the project, metric_mapping.json least of all."""
    alone = tmp_path / "alone"
    shutil.copytree(RUN / "checkpoints" / "step_100", alone / "step_100")
    shutil.copy(ROOT / "scripts" / name, alone / name)
    start = [PYTHON] if PYTHON else ["uv", "run"]
    environment = os.environ | hub.environment(tmp_path / "home")
    options = {"cwd": alone, "env": environment, "capture_output": True, "text": True, "timeout": 600, "check": False}
    done = subprocess.run([*start, name, *words], **options)
    assert done.returncode == 0, done.stderr
    assert said in done.stdout
