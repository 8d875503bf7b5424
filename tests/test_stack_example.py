"""README's way through the whole house, run word for word but for a shorter training: train, evaluate, rank, prepare,
push, read back."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from local_hub import LocalHub

ROOT = Path(__file__).resolve().parent.parent
CHECKER = ROOT.parent / "shared" / "check_records.py"
PARTS = ("scripts", "examples", "metric_mapping.json")
SHORT = ["--steps", "100", "--save-every", "25"]  # a tenth of the committed run, with four checkpoints

pytestmark = pytest.mark.stack


def example_commands() -> list[list[str]]:
    """The commands of the section, without the one that starts the local Hub."""
    section = (ROOT / "README.md").read_text(encoding="utf-8").split("## The whole way, without an account")[1]
    section = section.split("\n## ")[0]
    lines = "\n".join(re.findall(r"^```bash\n(.*?)^```", section, re.MULTILINE | re.DOTALL)).splitlines()
    return [shlex.split(line) for line in lines if line.strip() and "local_hub.py" not in line]


def run(command: list[str], folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run one command as a user does; its output is shown when it fails."""
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=1200, check=False
    )
    print(shlex.join(command), done.stdout, done.stderr, sep="\n", file=sys.stderr)
    assert done.returncode == 0, done.stderr[-2000:]
    return done


def test_the_whole_way(tmp_path):
    project = tmp_path / "project"
    for part in PARTS:
        source = ROOT / part
        ignored = shutil.ignore_patterns("checkpoints", "results", "__pycache__")
        if source.is_dir():
            shutil.copytree(source, project / part, ignore=ignored)
        else:
            shutil.copyfile(source, project / part)
    commands = example_commands()
    assert [Path(command[2]).name for command in commands] == [
        "train.py",
        "lighteval_vllm_uv.py",
        *["benchmark_calculator.py"] * 3,
    ]
    commands[0] += SHORT
    with LocalHub() as hub:
        environment = {**os.environ, **hub.environment(tmp_path / "home")}
        for command in commands:
            run(command, project, environment)
        ranking = json.loads(run([*commands[2], "--json", "--full"], project, environment).stdout)
        commits = len(hub.commits("me/tiny-llama"))
        run(commands[-1], project, environment)
        assert len(hub.commits("me/tiny-llama")) == commits, "the second push made a commit"
        pushed = hub.files("me/tiny-llama")

    assert ranking["score_source"] == "measured"
    assert len(ranking["checkpoints"]) == 4
    assert len(ranking["benchmarks"]) == 15
    assert not ranking["failures"]
    best = next(c for c in ranking["checkpoints"] if c["name"] == ranking["best"]["name"])
    assert best["eval_accuracy"] == pytest.approx(sum(s["score"] for s in best["scores"].values()) / 15)

    card = pushed["README.md"].decode()
    assert "{RESULT" not in card
    for key, score in best["scores"].items():
        title = key.replace("_", " ").title()
        row = next(line for line in card.splitlines() if f"| {title} " in line)
        assert f"{score['score']:.3f}" in row
    weights = project / "my_run" / "checkpoints" / best["name"] / "model.safetensors"
    assert pushed["model.safetensors"] == weights.read_bytes()
    assert "figures/score_by_step.png" in pushed
    if CHECKER.exists():
        run(["uv", "run", str(CHECKER), str(project / "my_run" / "results")], project, environment)


def test_the_race_chooses_what_the_full_run_cannot_tell_from_its_best(tmp_path):
    """examples/race.sh as it is: with less than a third of the samples, a checkpoint of the full run's tied set."""
    done = run(["bash", str(ROOT / "examples" / "race.sh"), str(tmp_path / "race")], tmp_path, dict(os.environ))
    chosen = re.search(r"^best: (step_\d+), decided by (\w+)", done.stdout, re.MULTILINE)
    sent, of_all = (int(n.replace(",", "")) for n in re.search(r"sent: ([\d,]+) of ([\d,]+)", done.stdout).groups())
    script = str(ROOT / "scripts" / "benchmark_calculator.py")
    full = run(["uv", "run", script, str(ROOT / "examples/tiny_run"), "--json", "--full"], tmp_path, dict(os.environ))
    ranking = json.loads(full.stdout)
    assert chosen, done.stdout
    assert chosen[1] in [ranking["best"]["name"], *ranking["tied"]]
    assert sent <= 0.3 * of_all == 0.3 * 15_000


def test_committed_records_are_complete():
    """The committed records are those of a real run: all ten checkpoints, all fifteen skills, each with its samples."""
    folder = ROOT / "examples" / "tiny_run"
    records = [p for p in folder.rglob("results/data/**/*.json") if not p.name.endswith("_failure.json")]
    assert len(records) == 150
    for path in records:
        details = json.loads(path.read_text(encoding="utf-8"))["detailed_evaluation_results"]
        samples = path.with_name(f"{path.stem}_samples.jsonl")
        assert len(samples.read_text(encoding="utf-8").splitlines()) == details["total_rows"]
