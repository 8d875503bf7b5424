"""Gates in continuous integration: policies of a nightly job, JUnit, annotations, and the workflows of examples/ci."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
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
    assert {case.get("name"): case[0].tag for case in suite.iter("testcase")} == {
        "bad": "skipped", "open": "skipped", "good": "system-out"
    }  # fmt: skip
    waived = suite.find("testcase[@name='open']/skipped")
    assert waived.get("message").startswith("undecided, passed by the policy; INCONCLUSIVE; ")
    assert suite.get("skipped") == "2"


def test_junit_says_the_metric_and_the_warnings_of_the_whole(tmp_path, capsys):
    for model, right in (("me/a", 300), ("me/b", 310)):
        write_record(tmp_path, model, bits(right), metric="f1")
    report = tmp_path / "gate.xml"
    gate(capsys, tmp_path, None, "--junit", report)
    suite = ET.parse(report).getroot()[0]
    assert suite[0].get("name") == "my_quiz f1"
    suite = ET.fromstring(cr.junit_xml("title", (), ("a\nb", "c")))[0]
    assert suite.find("system-out").text == "warning: a b\nwarning: c"


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


MODELS = {"BASELINE": "models/release", "CANDIDATE": "models/candidate"}


@pytest.fixture
def runner(tmp_path) -> Path:
    """A checkout as a runner has it, with the nights that its cache keeps."""
    for name in ("scripts", "examples", "metric_mapping.json"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


def evaluated(runner: Path, model: str, step: int, day: int) -> None:
    """What the step "Evaluate" leaves: a checkpoint's real records, as those of a folder's weights of some night."""
    for path in (ROOT / "examples/tiny_run/results").glob(f"data/*/tiny_run/step_{step}/*.json"):
        when = str(int(datetime(2026, 3, day, 3, tzinfo=UTC).timestamp()))
        record, samples = path.read_text(), path.with_name(f"{path.stem}_samples.jsonl").read_text()
        said = json.loads(record)["retrieved_timestamp"]
        record, samples = (text.replace(f"tiny_run/step_{step}", model) for text in (record, samples))
        samples = samples.replace(said, when)
        found = json.loads(record.replace(said, when))
        found["evaluation_timestamp"] = f"2026-03-{day:02}T03:00:00Z"
        found["model_info"]["additional_details"] |= {"path": model, "checkpoint": Path(model).name, "step": None}
        place = runner / "nights/data" / path.parts[-4] / model
        place.mkdir(parents=True, exist_ok=True)
        name = f"{path.stem[:-2]}{day:02}"
        kept = place / f"{name}_samples.jsonl"
        kept.write_text(samples)
        checksum = hashlib.sha256(samples.encode()).hexdigest()
        found["detailed_evaluation_results"] |= {
            "checksum": checksum, "file_path": kept.relative_to(runner / "nights").as_posix()
        }  # fmt: skip
        (place / f"{name}.json").write_text(json.dumps(found))


def run_steps(steps: list[str], variables: dict[str, str], folder: Path) -> list[int]:
    """Each step as a runner starts it: bash with -e, in the checkout."""
    environment = os.environ | variables | {"GITHUB_STEP_SUMMARY": str(folder / "summary.md"), "CI": "true"}
    codes = []
    for step in steps:
        done = subprocess.run(["bash", "-e", "-c", step], cwd=folder, env=environment, capture_output=True, text=True)
        assert done.returncode in (0, 1, 2, 3), done.stderr
        codes.append(done.returncode)
    return codes


def github_steps() -> list[dict]:
    return yaml.safe_load((ROOT / "examples/ci/github.yml").read_text())["jobs"]["gate"]["steps"]


GATING = [step["run"] for step in github_steps() if "run" in step and step["name"] != "Evaluate"]


@pytest.mark.parametrize(("steps", "code", "reason"), [((800, 800), 3, "undecided"), ((700, 1000), 1, None)])
def test_the_github_workflow_runs_night_after_night(runner, steps, code, reason):
    evaluated(runner, MODELS["BASELINE"], 700, 1)
    for day, step in enumerate(steps, start=2):
        evaluated(runner, MODELS["CANDIDATE"], step, day)
        codes = run_steps(GATING, MODELS, runner)
    assert codes == [code, 0]
    document = json.loads((runner / "gate.json").read_text())
    assert (document["exit_code"], document["reason"]) == (code, reason)
    assert len(ET.parse(runner / "gate.xml").getroot()[0]) == 15
    tonight = {row["benchmark"]: row["delta"] for row in document["benchmarks"]}
    assert tonight["translation"] == pytest.approx(-0.51 if steps[-1] == 1000 else 0.0)
    text = (runner / "summary.md").read_text()
    assert text.count("## Evaluation: ") == 2 and "translation (exact match, 0-shot), " in text.lower().replace(
        "_", " "
    )


def test_every_night_is_kept_whatever_the_gate_says():
    steps = github_steps()
    names = [step.get("uses", step.get("name", "")).partition("@")[0] for step in steps]
    kept, brought = steps[names.index("actions/cache/save")], steps[names.index("actions/cache/restore")]
    order = [names.index(name) for name in ("actions/cache/restore", "Evaluate", "actions/cache/save", "Gate")]
    assert order == sorted(order) and kept["if"] == "always()"
    assert kept["with"]["path"] == brought["with"]["path"] == "nights"
    # A cache is never overwritten: each run has a key of its own, and begins with the newest.
    assert kept["with"]["key"] == brought["with"]["key"] and "github.run_id" in kept["with"]["key"]
    assert kept["with"]["key"].startswith(brought["with"]["restore-keys"])
    assert all("nights" in step["run"] for step in steps if "run" in step)


def test_the_gitlab_workflow_runs(runner):
    job = yaml.safe_load((ROOT / "examples/ci/gitlab.yml").read_text())["gate"]
    assert job["cache"] == {"key": "nights", "paths": ["nights/"], "when": "always"}
    evaluation, gate = job["script"]
    assert "--output-dir nights" in evaluation
    evaluated(runner, MODELS["BASELINE"], 700, 1)
    evaluated(runner, MODELS["CANDIDATE"], 800, 2)
    assert run_steps([gate], job["variables"] | MODELS, runner) == [3]
    missing = job["variables"] | MODELS | {"CANDIDATE": "models/nobody"}
    (runner / "gate.json").write_text('{\n  "reason": "undecided"\n}\n')  # of another night, or of the checkout
    assert run_steps([gate], missing, runner) == [2]  # 3, but nothing was compared: no pipeline passes for it
    uv = runner / "uv"  # whatever an evaluation that asks something ends with, it is not what is allowed
    uv.write_text("#!/bin/sh\nexit 3\n")
    uv.chmod(0o755)
    path = {"PATH": f"{runner}:{os.environ['PATH']}"}
    assert run_steps([evaluation, gate], job["variables"] | path, runner) == [2, 2]
    assert job["allow_failure"]["exit_codes"] == [3]
    assert ET.parse(runner / "gate.xml").getroot().get("failures") == "0"
