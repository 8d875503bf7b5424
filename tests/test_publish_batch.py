"""batch: many models at once, any failure, any interruption, and no pull request too many."""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import evaluation_manager as manager
import pytest
from local_hub import LocalHub

SCRIPT = Path(manager.__file__).resolve()
TABLE = "| Benchmark | {name} |\n|---|---|\n| MMLU-Pro | {pro} |\n| GSM8K | {gsm} |\n"
PUBLISHED = """---
model-index:
- name: there
  results:
  - task: {{type: text-generation}}
    dataset: {{name: GSM8K, type: openai/gsm8k, config: main, split: test}}
    metrics: [{{type: exact_match, name: GSM8K, value: {gsm}}}]
---
"""


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manager, "FIRST_WAIT", 0.01)


@pytest.fixture
def lab(hub: LocalHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> LocalHub:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_TOKEN", hub.token)
    hub.create_benchmark("TIGER-Lab/MMLU-Pro", ["mmlu_pro"])
    return hub


def add_models(hub: LocalHub, count: int) -> list[str]:
    names = [f"model-{i:02}" for i in range(count)]
    for i, name in enumerate(names):
        card = f"---\npipeline_tag: text-generation\n---\n# {name}\n\n## Evaluation\n\n" + TABLE.format(
            name=name, pro=30 + i, gsm=50 + i
        )
        hub.create_repo(f"lab/{name}", files={"README.md": card}, trending=count - i)
    return [f"lab/{name}" for name in names]


def run(capsys: pytest.CaptureFixture[str], *argv: object) -> tuple[int, dict, str]:
    code = manager.main(["batch", *map(str, argv), "--json"])
    out, err = capsys.readouterr()
    return code, json.loads(out) if out else {}, err


def listed(folder: Path, *repo_ids: str) -> Path:
    file = folder / "repos.txt"
    file.write_text("# models\n" + "\n".join(repo_ids) + "\n\n", encoding="utf-8")
    return file


def test_each_kind_of_outcome(lab: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    table = TABLE.format(name="x", pro=31, gsm=51)
    cards = {
        "found": table.replace("| x |", "| found |"),
        "there": PUBLISHED.format(gsm=51) + table.replace("| x |", "| there |").replace("| MMLU-Pro | 31 |\n", ""),
        "conflict": PUBLISHED.format(gsm=99) + table.replace("| x |", "| conflict |"),
        "ambiguous-7B": "| Benchmark | ambiguous-7B | ambiguous-7B |\n|---|---|---|\n| GSM8K | 1.5 | 2.5 |\n",
        "none": "# none\n\ntext\n",
        "broken": "---\na: 1\na: 2\n---\n" + table.replace("| x |", "| broken |"),
        "gated": table,
    }
    for name, card in cards.items():
        lab.create_repo(f"lab/{name}", files={"README.md": card}, gated="manual" if name == "gated" else False)
    lab.create_repo("lab/bare", files={"config.json": "{}"})
    file = listed(tmp_path, *(f"lab/{name}" for name in cards), "lab/bare", "lab/missing")
    code, found, _ = run(capsys, "--repo-ids", file, "--output-dir", tmp_path / "b")
    status = {row["repo_id"].removeprefix("lab/"): (row["status"], row["reason"]) for row in found["models"]}
    assert code == 1
    assert {name: pair[0] for name, pair in status.items()} == {
        "found": "found", "there": "already there", "conflict": "conflict", "ambiguous-7B": "ambiguous", "none": "none",
        "broken": "failed", "gated": "failed", "bare": "none", "missing": "failed",
    }  # fmt: skip
    assert "line 3: the key 'a' occurs twice" in status["broken"][1] and "is gated" in status["gated"][1]
    assert "there is 99, the new value is 51" in status["conflict"][1] and "column: 1" in status["ambiguous-7B"][1]
    assert lab.writes() == []
    summary = (tmp_path / "b/summary.md").read_text(encoding="utf-8")
    assert all(f"| lab/{name} | {pair[0]} |" in summary for name, pair in status.items())
    shown = manager.render_summary([manager.ModelOutcome(**row) for row in found["models"]], manager.single_line)
    assert "&#" in summary and "&#" not in shown  # a terminal has no Markdown
    assert all(manager.single_line(row["reason"]).replace("|", "\\|") in shown for row in found["models"])
    plan = manager.plan_from_json(manager.read_json(tmp_path / "b/plans/lab--found.json"), "plan")
    assert [entry.value for entry in plan.entries] == [31, 51]


def test_a_model_with_two_names_is_one_and_an_archived_one_gets_nothing(
    lab: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name in ("new-7B", "other-7B", "shut-7B"):
        card = TABLE.format(name=name, pro=31, gsm=51)
        lab.create_repo(f"lab/{name}", files={"README.md": card}, archived=name == "shut-7B")
    lab.create_repo("openai-community/gpt2", files={"README.md": TABLE.format(name="gpt2", pro=31, gsm=51)})
    lab.rename("gpt2", "openai-community/gpt2")
    lab.rename("lab/old-7B", "lab/new-7B")
    file = listed(tmp_path, "lab/old-7B", "lab/new-7B", "LAB/other-7b", "lab/shut-7B", "gpt2")
    code, found, _ = run(capsys, "--repo-ids", file, "--output-dir", tmp_path / "b", "--create-pr")
    rows = {row["repo_id"]: row for row in found["models"]}
    assert code == 1
    assert [row["status"] for row in rows.values()] == ["none", "found", "found", "failed", "found"]
    assert "called lab/new-7B now" in rows["lab/old-7B"]["reason"] and "is archived" in rows["lab/shut-7B"]["reason"]
    pulls = {name: len(lab.pull_requests(name)) for name in ("lab/new-7B", "lab/other-7B", "openai-community/gpt2")}
    assert set(pulls.values()) == {1}
    assert rows["gpt2"]["pull_request"].endswith("/openai-community/gpt2/discussions/1")


def test_the_records_are_valid(lab: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    checker = SCRIPT.parents[2] / "shared" / "check_records.py"
    if not checker.is_file():
        pytest.skip("check_records.py is not there")
    add_models(lab, 2)
    assert run(capsys, "--trending", 2, "--output-dir", tmp_path / "b")[0] == 0
    done = subprocess.run([sys.executable, checker, tmp_path / "b/data"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(list((tmp_path / "b/data").rglob("*.json"))) == 4


def test_trending_models_in_order_and_few_requests(
    lab: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    names = add_models(lab, 12)
    lab.requests.clear()
    _, found, _ = run(capsys, "--trending", 10, "--output-dir", tmp_path / "b", "--workers", 4)
    assert [row["repo_id"] for row in found["models"]] == names[:10] and found["counts"]["found"] == 10
    assert len(lab.requests) <= 5 * 10 and lab.most_in_flight <= 4
    assert (
        lab.count("GET", "/datasets/TIGER-Lab/MMLU-Pro") == len([r for r in lab.requests if "MMLU-Pro" in r.path]) <= 4
    )  # asked once for all models


def test_only_some_benchmarks(lab: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    add_models(lab, 1)
    _, found, _ = run(capsys, "--author", "lab", "--benchmarks", "GSM8K", "--output-dir", tmp_path / "b")
    assert [row["results"] for row in found["models"]] == [1]
    assert run(capsys, "--author", "lab", "--benchmarks", "gsm9k", "--output-dir", tmp_path / "c")[0] == 2
    assert run(capsys, "--author", "lab", "--from", "web", "--output-dir", tmp_path / "c")[0] == 2


def test_pull_requests_only_when_asked_at_most_so_many_and_never_a_second(
    lab: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    names = add_models(lab, 4)
    manager.main(["extract-readme", "--repo-id", names[0], "--create-pr", "--commit-message", "Scores"])
    capsys.readouterr()
    _, found, _ = run(capsys, "--trending", 4, "--output-dir", tmp_path / "b")
    assert sum(len(lab.pull_requests(name)) for name in names) == 1
    _, found, err = run(
        capsys, "--trending", 4, "--output-dir", tmp_path / "b", "--resume", "--create-pr", "--max-prs", 2
    )
    assert [len(lab.pull_requests(name)) for name in names] == [1, 1, 1, 0] and "--max-prs" in err
    _, found, _ = run(
        capsys, "--trending", 4, "--output-dir", tmp_path / "b", "--resume", "--create-pr", "--max-prs", 2
    )
    assert [len(lab.pull_requests(name)) for name in names] == [1, 1, 1, 0]
    assert [bool(row["pull_request"]) for row in found["models"]] == [True, True, True, False]
    assert found["models"][0]["pull_request"].endswith("/discussions/1") and not found["models"][0]["attempted"]


def test_one_failure_stops_nobody(lab: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    names = add_models(lab, 3)
    lab.fault("GET", f"/{names[1]}/resolve", times=99, status=500)
    lab.fault("POST", f"/{names[0]}/commit/", times=99, status=500)
    code, found, _ = run(capsys, "--trending", 3, "--output-dir", tmp_path / "b", "--create-pr")
    assert code == 1 and [row["status"] for row in found["models"]] == ["failed", "failed", "found"]
    assert len(lab.pull_requests(names[2])) == 1
    lab.faults.clear()
    code, found, _ = run(capsys, "--trending", 3, "--output-dir", tmp_path / "b", "--create-pr", "--resume")
    assert code == 0 and [len(lab.pull_requests(name)) for name in names] == [1, 1, 1]


def test_the_rate_limit_is_kept(lab: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    add_models(lab, 6)
    lab.limit_rate(api=4, resolvers=4, window=1)
    code, found, _ = run(capsys, "--author", "lab", "--output-dir", tmp_path / "b")
    assert code == 0 and found["counts"]["found"] == 6


def test_a_finished_folder_is_not_overwritten(
    lab: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    add_models(lab, 2)
    same = ("--trending", 2, "--output-dir", tmp_path / "b")
    run(capsys, *same)
    code, found, err = run(capsys, *same)
    assert code == 2 and found == {} and "--resume" in err
    lab.requests.clear()
    assert run(capsys, *same, "--resume")[0] == 0 and lab.requests == []
    assert run(capsys, "--trending", 3, "--output-dir", tmp_path / "b", "--resume")[0] == 2


def test_hostile_names_do_not_become_paths(lab: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for line in ("../../etc/passwd", "a/..", "lab/x y", "https://x"):
        assert run(capsys, "--repo-ids", listed(tmp_path, line), "--output-dir", tmp_path / "b")[0] == 2
    assert not (tmp_path / "b").exists()


def test_no_models_are_no_batch(lab: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    add_models(lab, 2)
    assert run(capsys, "--repo-ids", listed(tmp_path), "--output-dir", tmp_path / "b")[0] == 2
    code, found, err = run(capsys, "--author", "nobody", "--output-dir", tmp_path / "b")
    assert code == 1 and found["code"] == 1 and "nobody has no models" in err and not (tmp_path / "b").exists()
    code, found, err = run(capsys, "--trending", 5, "--output-dir", tmp_path / "b")
    assert code == 0 and len(found["models"]) == 2 and "2 such models, not 5" in err


@pytest.mark.parametrize("damage", [{"models": 5}, {"models": ["../x"]}, {"started": "x"}, {"started": 5}], ids=str)
def test_a_damaged_batch_is_refused(
    lab: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path, damage: dict
) -> None:
    add_models(lab, 2)
    same = ("--author", "lab", "--output-dir", tmp_path / "b")
    run(capsys, *same)
    file = tmp_path / "b/batch.json"
    file.write_text(json.dumps(json.loads(file.read_text(encoding="utf-8")) | damage), encoding="utf-8")
    code, _, err = run(capsys, *same, "--resume")
    assert code == 2 and "is damaged" in err and err.count("\n") == 1


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"repo_id": "lab/model-00", "status": 5}'])
def test_a_damaged_outcome_is_made_again(
    lab: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str
) -> None:
    add_models(lab, 2)
    same = ("--author", "lab", "--output-dir", tmp_path / "b")
    _, first, _ = run(capsys, *same)
    (tmp_path / "b/models/lab--model-00.json").write_text(text, encoding="utf-8")
    assert run(capsys, *same, "--resume")[1] == first


def test_other_options_or_a_full_disk_end_in_one_line(
    lab: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_models(lab, 2)
    same = ("--author", "lab", "--output-dir", tmp_path / "b")
    run(capsys, *same)
    assert run(capsys, *same, "--resume", "--task-type", "summarization")[0] == 2
    (tmp_path / "file").touch()
    code, _, err = run(capsys, "--author", "lab", "--output-dir", tmp_path / "file")
    assert code == 2 and err.count("\n") == 1

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    code, _, err = run(capsys, "--author", "lab", "--output-dir", tmp_path / "c")
    assert code == 2 and "No space left" in err and err.count("\n") == 1


def final_state(hub: LocalHub, names: list[str], folder: Path) -> dict:
    """What counts at the end, without what differs from Hub to Hub: its address, its commits, the time."""
    begun = json.loads((folder / "batch.json").read_text(encoding="utf-8"))["started"]
    state: dict = {"pull requests": [len(hub.pull_requests(name)) for name in names]}
    state["proposed"] = [hub.files(name, "refs/pr/1") for name in names if hub.pull_requests(name)]
    for path in sorted(path for path in folder.rglob("*") if path.suffix in (".json", ".md")):
        text = path.read_text(encoding="utf-8").replace(begun, "WHEN").replace(hub.url, "HUB")
        text = re.sub(r"\b\d{10}\b", "WHEN", re.sub(r"\b(?:[0-9a-f]{40}|[0-9a-f]{64})\b", "COMMIT", text))
        state[str(path.relative_to(folder))] = text
    return state


def start(hub: LocalHub, folder: Path, home: Path, *more: str) -> subprocess.Popen:
    command = [sys.executable, str(SCRIPT), "batch", "--author", "lab", "--output-dir", str(folder), *more]
    environment = {**os.environ, **hub.environment(home, hub.token)}
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def test_killed_at_any_moment_and_resumed(tmp_path: Path) -> None:
    """Killed at 20 random moments, each time resumed: the same final state, no pull request twice."""
    chance, wanted = random.Random(4), {}
    options = ("--resume", "--create-pr", "--max-prs", "3", "--workers", "2")
    for attempt, kills in enumerate((0, 5, 5, 5, 5)):
        with LocalHub() as hub:
            hub.create_benchmark("TIGER-Lab/MMLU-Pro", ["mmlu_pro"])
            names, folder = add_models(hub, 6), tmp_path / str(attempt)
            hub.latency = 0.02
            for _ in range(kills):
                process = start(hub, folder, tmp_path / "home", *options)
                time.sleep(chance.uniform(0.3, 1.6))
                process.send_signal(signal.SIGKILL)
                process.wait()
            assert start(hub, folder, tmp_path / "home", *options).wait() == 0
            state = final_state(hub, names, folder)
            assert state["pull requests"] == [1, 1, 1, 0, 0, 0]
            wanted = wanted or state
            assert state == wanted


def test_one_run_at_a_time_works_in_a_folder(lab: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    add_models(lab, 1)
    with manager.owned_folder(tmp_path / "b"):
        code, _, err = run(capsys, "--author", "lab", "--output-dir", tmp_path / "b")
    assert code == 2 and f"process {os.getpid()} on" in err and "for 0 s" in err
    assert run(capsys, "--author", "lab", "--output-dir", tmp_path / "b")[0] == 0


def test_an_own_pull_request_with_other_values_is_outdated(
    lab: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (name,) = add_models(lab, 1)
    manager.main(["extract-readme", "--repo-id", name, "--create-pr"])
    card = lab.files(name)["README.md"]
    lab.commit(name, {"README.md": card.replace(b"| 30 |", b"| 44 |")})
    capsys.readouterr()
    _, found, _ = run(capsys, "--author", "lab", "--output-dir", tmp_path / "b", "--create-pr")
    assert found["models"][0]["status"] == "outdated" and "/discussions/1" in found["models"][0]["reason"]
    assert len(lab.pull_requests(name)) == 1


def test_the_summary_says_what_became_of_the_pull_requests(
    lab: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    names = add_models(lab, 2)
    same = ("--author", "lab", "--output-dir", tmp_path / "b", "--create-pr", "--resume")
    run(capsys, *same)
    lab.change_pull_request(names[0], 1, "merged")
    lab.change_pull_request(names[1], 1, "closed")
    _, found, _ = run(capsys, *same)
    assert [row["status"] for row in found["models"]] == ["already there", "found"]
    assert "was closed" in found["models"][1]["reason"] and len(lab.pull_requests(names[1])) == 1


def forge(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")


def evil_plan(folder: Path, name: str) -> None:
    """The plan of a model with another value, and no card to hold it against."""
    plan = json.loads((folder / "plans" / f"{name.replace('/', '--')}.json").read_text(encoding="utf-8"))
    entries = [entry | {"value": 99.9, "origin": "evaluations.x"} for entry in plan["entries"]]
    forge(folder / "plans" / f"{name.replace('/', '--')}.json", entries=entries)
    (folder / "evil.json").write_text(json.dumps(plan | {"entries": entries, "repo_id": "victim/model"}))


def test_a_plan_of_a_batch_is_applied_by_itself(
    lab: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (name,) = add_models(lab, 1)
    (tmp_path / "ids.txt").write_text(f"{name}\n")
    assert run(capsys, "--repo-ids", tmp_path / "ids.txt", "--output-dir", tmp_path / "b")[0] == 0
    apply = ["apply", str(tmp_path / "b" / "plans" / f"{name.replace('/', '--')}.json")]
    with monkeypatch.context() as other:
        other.setenv("XDG_STATE_HOME", str(tmp_path / "state of another"))
        assert manager.main(apply) == 3 and not lab.pull_requests(name)
    assert manager.main(apply) == 0 and len(lab.pull_requests(name)) == 1


@pytest.mark.parametrize("forged", ["plan", "outcome", "plan and outcome", "list"])
def test_a_batch_of_another_hand_proposes_nothing_of_its_own(
    lab: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path, forged: str
) -> None:
    """What it says was found is looked for again; a plan that was changed is not sent; its list of models is none."""
    (name,) = add_models(lab, 1)
    lab.create_repo("victim/model", files={"README.md": "---\nlicense: mit\n---\n"})
    folder = tmp_path / "b"
    (tmp_path / "ids.txt").write_text(f"{name}\n")
    same = ("--repo-ids", tmp_path / "ids.txt", "--output-dir", folder)
    assert run(capsys, *same)[0] == 0
    if "plan" in forged:
        evil_plan(folder, name)
    if "outcome" in forged:
        digest = hashlib.sha256((folder / "plans/lab--model-00.json").read_bytes()).hexdigest()
        forge(folder / "models/lab--model-00.json", plan="../evil.json", plan_sha256=digest)
    if forged == "list":
        forge(folder / "batch.json", models=["victim/model"])
    code, answer, err = run(capsys, *same, "--resume", "--create-pr")
    assert not lab.pull_requests("victim/model")
    if forged == "list":
        assert code == 3 and "not written by you" in err
        return
    assert (code, [row["status"] for row in answer["models"]]) == (
        (1, ["failed"]) if forged == "plan" else (0, ["found"])
    )
    assert ("was changed" in err) == ("outcome" in forged)
    proposed = [lab.files(name, "refs/pr/1")] if lab.pull_requests(name) else []
    assert len(proposed) == ("outcome" in forged) and b"99.9" not in b"".join(
        text for files in proposed for text in files.values()
    )


@pytest.mark.parametrize("where", ["another batch's folder", "another model's file"])
def test_an_outcome_speaks_for_its_model_in_its_batch_alone(
    lab: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path, where: str
) -> None:
    add_models(lab, 2)
    for folder in ("a", "b"):
        run(capsys, "--author", "lab", "--output-dir", tmp_path / folder)
    said = json.loads((tmp_path / "a/models/lab--model-00.json").read_text())
    assert said["status"] == "found" and said["seal"]
    target = "b/models/lab--model-00.json" if where.startswith("another batch") else "a/models/lab--model-01.json"
    (tmp_path / target).write_text(json.dumps(said))
    code, answer, err = run(capsys, "--author", "lab", "--output-dir", (tmp_path / target).parents[1], "--resume")
    assert code == 0 and err.count("was not written by you for this model of this batch") == 1
    assert [row["repo_id"] for row in answer["models"]] == ["lab/model-00", "lab/model-01"]
