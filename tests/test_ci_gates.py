"""Gates in continuous integration: policies of a nightly job, JUnit, annotations, and the workflows of examples/ci."""

from __future__ import annotations

import json
import os
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import compare_results as cr
import pytest
import yaml
from record_writer import sample_row, write_record

ROOT = Path(__file__).parent.parent
WEIGHTS = {"weights_sha256": "a" * 64}


def bits(right: int, n: int = 400) -> list[float]:
    return [float(i < right) for i in range(n)]


@pytest.fixture
def place(tmp_path) -> Path:
    """A candidate that keeps `good`, is shown to lose `bad`, and of which nothing is shown on `open`."""
    for model, scores in (("me/a", (200, 300, 30)), ("me/b", (210, 150, 28))):
        for task, right in zip(("good", "bad", "open"), scores, strict=True):
            write_record(tmp_path, model, bits(right, 40 if task == "open" else 400), task=task)
    return tmp_path


def gate(capsys, place: Path, policy: dict | None, *more) -> tuple[int, dict, str]:
    file = place / "policy.yaml"
    file.write_text(yaml.safe_dump(policy or {}))
    sides = ["--baseline", "me/a", "--candidate", "me/b", "--results", str(place), "--policy", str(file), "--json"]
    code = cr.main([*sides, *map(str, more)])
    captured = capsys.readouterr()
    return code, json.loads(captured.out) if captured.out else {}, captured.err


def row(document: dict, key: str) -> dict:
    return next(one for one in document["benchmarks"] if one["benchmark"] == key)


WITHOUT_BAD = {"benchmarks": {"bad": {"tier": "report"}}}


@pytest.mark.parametrize(
    ("undecided", "code", "reason"),
    [(None, 3, "undecided"), ("ask", 3, "undecided"), ("pass", 0, None), ("fail", 1, None),
     ({"critical": "fail"}, 1, None), ({"supporting": "pass"}, 3, "undecided"), ({"critical": "pass"}, 0, None)],
)  # fmt: skip
def test_what_undecided_means(place, capsys, undecided, code, reason):
    policy = WITHOUT_BAD | ({"undecided": undecided} if undecided else {})
    got, document, _ = gate(capsys, place, policy)
    assert (got, document["exit_code"], document["reason"]) == (code, code, reason)
    assert row(document, "open")["verdict"] == "INCONCLUSIVE"
    assert reason or any("undecided" in line for line in document["reasons"])


def test_undecided_by_tier(place, capsys):
    policy = {"benchmarks": {"bad": {"tier": "report"}, "open": {"tier": "supporting"}}}
    assert gate(capsys, place, policy | {"undecided": {"supporting": "pass"}})[0] == 0
    assert gate(capsys, place, policy | {"undecided": {"critical": "pass"}})[0] == 3


def test_pass_lets_no_shown_loss_pass(place, capsys):
    code, document, _ = gate(capsys, place, {"undecided": "pass"})
    assert (code, document["reason"]) == (1, None) and row(document, "bad")["verdict"] == "NO-GO"


def test_a_report_tier_is_shown_without_a_verdict(place, capsys):
    code, document, _ = gate(capsys, place, {"benchmarks": {"bad": {"tier": "report"}, "open": {"tier": "report"}}})
    shown = row(document, "bad")
    assert code == 0 and shown["verdict"] == "report" and not shown["blocking"]
    assert shown["delta"] == pytest.approx(-0.375) and shown["interval"][1] < 0
    assert shown["p_values"].get("pass") is None and "NO-GO" not in "".join(shown["notes"])


def test_a_target_cannot_be_gated_and_only_reported(place, capsys):
    policy = {"rule": "finetune", "targets": ["good"], "benchmarks": {"good": {"tier": "report"}}}
    assert not row(gate(capsys, place, policy)[1], "good")["blocking"]


def test_required_hashes_and_samples(place, capsys, tmp_path_factory):
    code, document, _ = gate(capsys, place, {"require": ["hash"]})
    assert (code, document["reason"]) == (3, "not_comparable")
    assert "requires a hash" in row(document, "good")["notes"][0]
    there = tmp_path_factory.mktemp("there")
    for model in ("me/a", "me/b"):
        write_record(there, model, bits(300), samples=False, error=0.02, details=WEIGHTS)
    assert gate(capsys, there, {"require": ["hash"], "undecided": "pass"})[0] == 0
    for policy in ({"require": ["samples"]}, {"require_paired": True}):
        code, document, _ = gate(capsys, there, policy)
        assert (code, document["reason"]) == (3, "not_comparable")
        assert gate(capsys, there, policy, "--allow-unlike")[0] == 3


def test_reasons_of_exit_3(place, capsys):
    code, document, _ = gate(capsys, place, {"benchmarks": {"bad": {"tier": "advisory"}, "gsm8k": {}}})
    assert (code, document["reason"]) == (3, "missing")
    contradicted = {"rows": [sample_row(i, 0.0) for i in range(50)], "score": 0.9}
    for model in ("me/a", "me/b"):
        write_record(place, model, [1.0] * 50, task="odd", **contradicted)
    code, document, _ = gate(capsys, place, {"benchmarks": {"bad": {"tier": "advisory"}}})
    assert (code, document["reason"]) == (3, "invalid")


def test_a_choice_is_a_document_too(place, capsys):
    write_record(place, "me/b", bits(100), task="good", when="2026-03-20T02:00:00Z")
    code, document, err = gate(capsys, place, None, "--output", place / "gate.json")
    assert (code, document["reason"], document["verdict"]) == (3, "choose", None)
    assert document["message"] in err and "2026-03-20" in document["message"]
    assert json.loads((place / "gate.json").read_text()) == document
    code, document, _ = gate(capsys, place, {"latest": True})
    assert code == 1 and row(document, "good")["delta"] == pytest.approx(-0.25)


def test_what_cannot_be_done_prints_no_document(place, capsys):
    assert gate(capsys, place, {"undecided": "maybe"})[:2] == (2, {})
    assert gate(capsys, place, {"require": ["luck"]})[:2] == (2, {})
    assert gate(capsys, place, {"undecided": {"critical": "perhaps"}})[:2] == (2, {})


# --- What a CI shows -------------------------------------------------------------------------------------------------


def test_junit_has_each_benchmark(place, capsys):
    report = place / "gate.xml"
    gate(capsys, place, {"benchmarks": {"good": {"tier": "report"}}}, "--junit", report)
    suite = ET.parse(report).getroot()[0]
    assert dict(suite.attrib) | {"name": ""} == {
        "name": "",
        "tests": "3",
        "failures": "1",
        "errors": "1",
        "skipped": "0",
    }
    ends = {case.get("name"): (case[0].tag, case[0].get("type")) for case in suite}
    assert ends == {"bad": ("failure", "NO-GO"), "open": ("error", "undecided"), "good": ("system-out", None)}
    gate(capsys, place, {"benchmarks": {"bad": {"tier": "advisory"}}, "undecided": "pass"}, "--junit", report)
    suite = ET.parse(report).getroot()[0]
    assert {case.get("name"): case[0].tag for case in suite} == {
        "bad": "skipped", "open": "system-out", "good": "system-out"
    }  # fmt: skip


def test_junit_when_there_is_no_answer(place, capsys):
    write_record(place, "me/b", bits(100), task="good", when="2026-03-20T02:00:00Z")
    gate(capsys, place, None, "--junit", place / "gate.xml")
    (case,) = ET.parse(place / "gate.xml").getroot()[0]
    assert (case[0].tag, case[0].get("type")) == ("error", "choose")


def test_hostile_names_stay_in_their_place(tmp_path, capsys, monkeypatch):
    """A benchmark's name is neither markup nor a workflow command."""
    name = 'x"/><evil>\n::set-output name=a::b\x1b[31m%0A::error::boo'
    for model, right in (("me/a", 300), ("me/b", 100)):
        path = write_record(tmp_path, model, bits(right), task="task")
        record = json.loads(path.read_text())
        record["evaluation_results"][0]["evaluation_name"] = name
        path.write_text(json.dumps(record))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    code, _, err = gate(capsys, tmp_path, None, "--junit", tmp_path / "gate.xml", "--github", "--allow-unlike")
    assert code in (1, 3)
    assert ET.parse(tmp_path / "gate.xml").find(".//evil") is None
    commands = [line for line in err.splitlines() if line.startswith("::")]
    assert len(commands) == 1 and commands[0].startswith("::error title=")
    assert "\x1b" not in err and "%250A" in commands[0]
    assert not any(line.startswith("::") for line in (tmp_path / "summary.md").read_text().splitlines())


def test_annotations_and_summary(place, capsys, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(place / "summary.md"))
    (place / "summary.md").write_text("before\n")
    code, document, err = gate(capsys, place, {"benchmarks": {"open": {"tier": "advisory"}}}, "--github")
    assert code == 1 and document["verdict"] == "NO-GO"
    assert [line.partition(" ")[0] for line in err.splitlines() if line.startswith("::")] == ["::error", "::notice"]
    text = (place / "summary.md").read_text()
    assert text.startswith("before\n") and "## Evaluation: NO-GO" in text and "| bad |" in text


# --- The workflows of examples/ci ------------------------------------------------------------------------------------


def run_steps(steps: list[str], variables: dict[str, str], folder: Path) -> list[int]:
    """Each step as a runner starts it: bash with -e, in the repository; nothing is written into it."""
    summary = folder / "summary.md"
    environment = os.environ | variables | {"GITHUB_STEP_SUMMARY": str(summary), "CI": "true"}
    codes = []
    for step in steps:
        for name in ("gate.xml", "gate.json", "ranking.md"):
            step = step.replace(name, str(folder / name))
        done = subprocess.run(["bash", "-e", "-c", step], cwd=ROOT, env=environment, capture_output=True, text=True)
        assert done.returncode in (0, 1, 3), done.stderr
        codes.append(done.returncode)
    return codes


@pytest.mark.parametrize(("candidate", "code"), [("step_800", 0), ("step_1000", 1)])
def test_the_github_workflow_runs(tmp_path, candidate, code):
    workflow = yaml.safe_load((ROOT / "examples/ci/github.yml").read_text())
    steps = [step["run"] for step in workflow["jobs"]["gate"]["steps"] if "run" in step]
    assert run_steps(steps, workflow["env"] | {"CANDIDATE": candidate}, tmp_path) == [code, 0]
    assert len(ET.parse(tmp_path / "gate.xml").getroot()[0]) == 15
    assert json.loads((tmp_path / "gate.json").read_text())["exit_code"] == code
    text = (tmp_path / "summary.md").read_text()
    assert "## Evaluation: " in text and "# Checkpoint ranking" in text


def test_the_gitlab_workflow_runs(tmp_path):
    job = yaml.safe_load((ROOT / "examples/ci/gitlab.yml").read_text())["gate"]
    assert run_steps(job["script"], job["variables"], tmp_path) == [0]
    assert ET.parse(tmp_path / "gate.xml").getroot().get("failures") == "0"
