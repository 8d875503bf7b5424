"""The commands that publish, against a Hub on this machine with the unmodified client; every write is counted."""

from __future__ import annotations

import json
import logging
import math
import re
import shlex
import shutil
from pathlib import Path

import evaluation_manager as manager
import pytest
import yaml
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, ModelCard
from local_hub import LocalHub

ROOT = Path(__file__).resolve().parent.parent
REPO = "me/Foo-7B"
CARD = b"""---
license: apache-2.0   # kept
tags: ['a', "b"]
---
# Foo-7B

| Benchmark | Foo-7B | Bar-7B |
|---|---|---|
| MMLU-Pro | 38.4 | 12.3 |
| GSM8K (5-shot) | 77.3 | 45.6 |
"""
EXTRACT = ("extract-readme", "--repo-id", REPO)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manager, "FIRST_WAIT", 0.01)


@pytest.fixture
def model(hub: LocalHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> LocalHub:
    """A Hub with one model, the Benchmark MMLU-Pro whose leaderboard is in percent, and a token that may write."""
    monkeypatch.chdir(tmp_path)
    hub.create_repo(REPO, files={"README.md": CARD})
    hub.create_benchmark("TIGER-Lab/MMLU-Pro", ["mmlu_pro"])
    row = [{"dataset": {"id": "TIGER-Lab/MMLU-Pro", "task_id": "mmlu_pro"}, "value": 71.5}]
    hub.create_repo("other/Bar", files={"README.md": "# Bar\n", ".eval_results/mmlu_pro.yaml": yaml.safe_dump(row)})
    monkeypatch.setenv("HF_TOKEN", hub.token)
    hub.requests.clear()
    return hub


def run(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    code = manager.main(list(map(str, argv)))
    out, err = capsys.readouterr()
    if code == 2:
        assert out == ""
    return code, out, err


def answer(capsys: pytest.CaptureFixture[str], *argv: str) -> dict:
    return json.loads(run(capsys, *argv, "--json")[1])


# --- Pull requests -----------------------------------------------------------------------------------------------


def test_a_dry_run_writes_nothing(model: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    for more in ([], ["--dry-run"], ["--create-pr", "--dry-run"], ["--apply", "--dry-run"]):
        assert run(capsys, *EXTRACT, *more)[0] == 0
    assert model.writes() == [] and model.pull_requests(REPO) == []


def test_the_tables_of_a_renamed_model_may_have_either_name(hub: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    table = "| Benchmark | Bar-8B |\n|---|---|\n| GSM8K (5-shot) | 31.6 |\n| MMLU-Pro | 14.9 |\n"
    hub.create_repo("me/Bar-8B", files={"README.md": f"# Bar\n\n## Evaluation\n\n{table}"})
    hub.rename("me/Old-7B", "me/Bar-8B")
    for name in ("me/Old-7B", "Me/BAR-8b"):
        code, out, err = run(capsys, "extract-readme", "--repo-id", name, "--json")
        assert code == 0 and f"{name} is called me/Bar-8B now" in err
        assert json.loads(out)["plan"]["repo_id"] == "me/Bar-8B"


def test_the_dry_run_is_the_plan_of_the_real_run(model: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    dry = answer(capsys, *EXTRACT, "--create-pr", "--dry-run")
    wet = answer(capsys, *EXTRACT, "--create-pr")
    for key in ("files", "added", "same", "conflicts", "notes"):
        assert dry[key] == wet[key]
    moment = dict.fromkeys(("created", "seal", "results_seal"), "")  # the seals are on the moment, too
    assert dry["plan"] | moment == wet["plan"] | moment
    assert dry["pull_request"] is None and wet["pull_request"]


def test_one_pull_request_with_one_commit_and_both_formats(model: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, *EXTRACT, "--create-pr")
    (request,) = model.pull_requests(REPO)
    assert code == 0 and f"/{REPO}/discussions/1" in out
    files = model.files(REPO, "refs/pr/1")
    assert files["README.md"].startswith(CARD[: CARD.index(b"---\n#")]) and files["README.md"].endswith(
        CARD[CARD.index(b"---\n#") :]
    )
    assert len(model.commits(REPO, "refs/pr/1")) == len(model.commits(REPO)) + 1
    (row,) = yaml.safe_load(files[".eval_results/mmlu_pro.yaml"])
    assert row["value"] == 38.4 and row["source"]["url"] == f"https://huggingface.co/{REPO}"
    values = {r.dataset_name: r.metric_value for r in ModelCard(files["README.md"].decode()).data.eval_results}
    assert values == {"MMLU-Pro": 38.4, "GSM8K": 77.3}
    assert model.files(REPO)["README.md"] == CARD  # main is untouched
    text = json.dumps(HfApi().get_discussion_details(REPO, 1).events[0].content)
    assert "row 1, column 1" in text and "38" in text and "show --repo-id" in text
    assert model.token not in out + err + text + str(request)
    shown = HfApi().model_info(REPO, expand=["evalResults"]).eval_results
    assert [(entry.dataset_id, entry.value) for entry in shown] == [("TIGER-Lab/MMLU-Pro", 38.4)]


def test_a_second_pull_request_needs_an_explicit_yes(model: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, *EXTRACT, "--create-pr")
    before = len(model.writes())
    code, out, err = run(capsys, *EXTRACT, "--create-pr")
    assert code == 3 and "/discussions/1" in err and "--update-pr 1" in err and "MMLU-Pro" in out
    assert len(model.writes()) == before and len(model.pull_requests(REPO)) == 1
    assert run(capsys, *EXTRACT, "--create-pr", "--allow-duplicate-pr")[0] == 0
    assert len(model.pull_requests(REPO)) == 2


def test_a_pull_request_is_known_by_its_diff(model: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    api = HfApi()
    body = CARD.replace(b"# Foo-7B", b"# Foo 7B!")
    api.upload_file(path_or_fileobj=body, path_in_repo="README.md", repo_id=REPO, create_pr=True, commit_message="eval")
    assert run(capsys, *EXTRACT, "--create-pr", "--dry-run")[0] == 0
    listed = answer(capsys, "get-prs", "--repo-id", REPO)["pull_requests"]
    assert [(r["number"], r["evaluation"], r["author"]) for r in listed] == [(1, False, "me")]
    front = CARD.replace(b"tags:", b"model-index:\n- name: x\n  results: []\ntags:")
    api.upload_file(
        path_or_fileobj=front, path_in_repo="README.md", repo_id=REPO, create_pr=True, commit_message="typo"
    )
    code, _, err = run(capsys, *EXTRACT, "--create-pr")
    assert code == 3 and "/discussions/2" in err
    assert len(model.pull_requests(REPO)) == 2


def test_update_pr_adds_to_the_open_one(model: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    run(capsys, *EXTRACT, "--create-pr", "--format", "eval-results")
    code, _, _ = run(capsys, *EXTRACT, "--create-pr", "--update-pr", "1")
    assert code == 0 and len(model.pull_requests(REPO)) == 1
    assert b"model-index" in model.files(REPO, "refs/pr/1")["README.md"]
    commits = len(model.commits(REPO, "refs/pr/1"))
    code, _, err = run(capsys, *EXTRACT, "--update-pr", "1")
    assert code == 0 and "has all of it already" in err and len(model.commits(REPO, "refs/pr/1")) == commits
    assert model.files(REPO)["README.md"] == CARD
    assert run(capsys, *EXTRACT, "--update-pr", "7")[0] == 2


# --- Applying ----------------------------------------------------------------------------------------------------


def test_applying_twice_changes_nothing(model: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, *EXTRACT, "--apply")[0] == 0
    commits = len(model.commits(REPO))
    code, out, _ = run(capsys, *EXTRACT, "--apply")
    assert code == 0 and len(model.commits(REPO)) == commits and "already there" in out
    code, _, _ = run(capsys, *EXTRACT, "--create-pr")
    assert code == 0 and model.pull_requests(REPO) == []


def test_a_conflict_is_shown_and_replaced_only_when_asked(model: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, *EXTRACT, "--apply")
    card = model.files(REPO)["README.md"]
    model.commit(REPO, {"README.md": card.replace(b"| GSM8K (5-shot) | 77.3 |", b"| GSM8K (5-shot) | 80.0 |")})
    before = len(model.writes())
    code, out, err = run(capsys, *EXTRACT, "--apply")
    assert code == 3 and "model-index[0].results[1].metrics[0].value" in err and "--replace" in err
    assert "there is 77.3, the new value is 80" in out and len(model.writes()) == before
    assert run(capsys, *EXTRACT, "--apply", "--replace")[0] == 0
    assert model.files(REPO)["README.md"].count(b"value: 80.0\n") == 1


def test_another_commit_in_between_is_planned_again(model: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    theirs = CARD.replace(b"license", b"# theirs\nlicense")
    model.fault("POST", f"/{REPO}/commit/", times=1, before=lambda: model.commit(REPO, {"README.md": theirs}))
    code, _, err = run(capsys, *EXTRACT, "--apply")
    assert code == 0 and "planning again (1 of 3)" in err
    text = model.files(REPO)["README.md"]
    assert b"# theirs\n" in text and b"value: 77.3" in text


def test_a_repo_that_never_rests_is_left_alone(
    model: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    count = iter(range(100))
    model.fault(
        "POST", f"/{REPO}/commit/", times=90, before=lambda: model.commit(REPO, {"notes.txt": f"{next(count)}"})
    )
    code, _, err = run(capsys, *EXTRACT, "--apply")
    saved = tmp_path / "plan-me--Foo-7B.json"
    assert code == 2 and saved.name in err and model.files(REPO)["README.md"] == CARD
    kept = saved.read_bytes()
    code, _, err = run(capsys, *EXTRACT, "--apply")  # what has that name stays, be it a plan or none
    saved = tmp_path / "plan-me--Foo-7B-2.json"
    assert code == 2 and f"apply {saved.name}" in err and (tmp_path / "plan-me--Foo-7B.json").read_bytes() == kept
    model.faults.clear()
    assert run(capsys, "apply", saved)[0] == 0
    assert b"value: 77.3" in model.files(REPO)["README.md"]


def test_a_saved_plan_is_applied_as_reviewed(
    model: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "plan.json"
    assert run(capsys, *EXTRACT, "--output", file)[0] == 0 and model.writes() == []
    model.commit(REPO, {"README.md": CARD.replace(b"77.3", b"99.9")})  # after the review
    code, _, err = run(capsys, "apply", file, "--create-pr")
    assert code == 3 and "77.3 when it was planned" in err and "now 99.9 (table 1, row 1, column 1)" in err
    assert model.writes() == []
    model.commit(REPO, {"README.md": CARD + b"\nMore.\n"})  # the same values: it goes on
    assert run(capsys, "apply", file, "--dry-run")[0] == 0 and model.writes() == []
    assert run(capsys, "apply", file, "--create-pr")[0] == 0
    assert b"value: 77.3" in model.files(REPO, "refs/pr/1")["README.md"]
    assert run(capsys, "apply", file)[0] == 0 and b"value: 77.3" in model.files(REPO)["README.md"]
    commits = len(model.commits(REPO))
    assert run(capsys, "apply", file)[0] == 0 and len(model.commits(REPO)) == commits
    assert run(capsys, "apply", file, "--repo-id", "me/other")[0] == 2


def test_a_local_clone(model: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    card = tmp_path / "clone" / "README.md"
    card.parent.mkdir()
    card.write_bytes(CARD.replace(b"\n", b"\r\n"))
    local = ("extract-readme", "--repo-id", REPO, "--card", str(card))
    assert run(capsys, *local, "--apply", "--dry-run")[0] == 0 and b"model-index" not in card.read_bytes()
    assert run(capsys, *local, "--apply")[0] == 0
    assert card.read_bytes().count(b"\r\n") == card.read_bytes().count(b"\n") and b"value: 77.3" in card.read_bytes()
    assert (card.parent / ".eval_results/mmlu_pro.yaml").is_file() and model.requests == []
    before = card.read_bytes()
    assert run(capsys, *local, "--apply")[0] == 0 and card.read_bytes() == before
    assert run(capsys, "show", "--card", card)[0] == 0
    assert run(capsys, *local, "--create-pr")[0] == 2


# --- Scale -------------------------------------------------------------------------------------------------------


def test_a_value_that_does_not_fit_the_leaderboard_is_a_question(
    model: LocalHub, capsys: pytest.CaptureFixture[str]
) -> None:
    model.commit(REPO, {"README.md": CARD.replace(b"38.4", b"0.384").replace(b"77.3", b"0.773")})
    before = len(model.writes())
    code, _, err = run(capsys, *EXTRACT, "--create-pr")
    assert code == 3 and "0.384 does not fit" in err and "--scale mmlu_pro=percent" in err
    assert len(model.writes()) == before
    assert run(capsys, *EXTRACT, "--create-pr", "--scale", "mmlu_pro=percent")[0] == 0
    files = model.files(REPO, "refs/pr/1")
    assert yaml.safe_load(files[".eval_results/mmlu_pro.yaml"])[0]["value"] == 38.4
    assert b"name: MMLU-Pro (%)\n      value: 38.4\n" in files["README.md"]  # the same unit, and said
    assert run(capsys, *EXTRACT, "--scale", "half", "--create-pr")[0] == 2


def test_a_share_among_percentages_is_asked_with_lines_that_answer(
    model: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    card, chosen = tmp_path / "README.md", tmp_path / "chosen.yaml"
    card.write_bytes(CARD.replace(b"38.4", b"0.384"))
    argv = ["extract-readme", "--repo-id", REPO, "--card", str(card), "--all-tables"]
    code, _, err = run(capsys, *argv)
    assert code == 3 and "may be a proportion among percentages" in err
    chosen.write_text(err[err.index("readings:") :].replace("# - {", "- {"), encoding="utf-8")
    found = answer(capsys, *argv, "--selection", str(chosen))
    assert {(entry["value"], entry["unit"]) for entry in found["results"]} == {(0.384, "proportion"), (77.3, None)}, (
        found
    )


def test_what_is_no_benchmark_on_the_hub_is_said(model: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    model.commit("TIGER-Lab/MMLU-Pro", {"eval.yaml": None}, repo_type="dataset")
    model.create_benchmark("lab/other", ["other"])
    found = answer(capsys, *EXTRACT, "--create-pr", "--dry-run")
    assert found["files"] == ["README.md"] and any(
        "TIGER-Lab/MMLU-Pro is no official Benchmark" in text for text in found["notes"]
    )


def test_what_would_not_validate_is_not_written(
    model: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    plan = tmp_path / "plan.json"
    assert run(capsys, *EXTRACT, "--output", str(plan))[0] == 0
    write_by_hand(plan, value=177.3, origin="by hand")
    before = len(model.writes())
    code, out, err = run(capsys, "apply", str(plan), "--create-pr", "--adopt", "--replace")
    assert code == 1 and "does not validate" in err and "177.3" in out and len(model.writes()) == before


def write_by_hand(plan: Path, **changes: object) -> None:
    """Change the GSM8K result of a saved plan."""
    answer = json.loads(plan.read_text())
    for entry in answer["plan"]["entries"]:
        entry.update(changes if entry["key"] == "gsm8k" else {})
    plan.write_text(json.dumps(answer))


FALSE = {
    "value": ({"value": 87.3}, "value 87.3 in the plan, 77.3 there"),
    "name": ({"benchmark": "MATH", "key": "math"}, "benchmark MATH in the plan, GSM8K there"),
    "shots": ({"shots": "3-shot"}, "shots 3-shot in the plan, 5-shot there"),
    "unit": ({"unit": "proportion"}, "unit proportion in the plan"),
    "source": ({"source_name": "An audit", "source_url": "https://audit.example"}, "source_name An audit in the plan"),
    "place": ({"origin": "table 1, row 7, column 1"}, "the card has no result of this model there"),
}


@pytest.mark.parametrize("false", FALSE)
def test_what_a_plan_says_of_a_card_is_what_the_card_says(
    model: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path, false: str
) -> None:
    """Also of the very card that it was made against, in a dry run, with --adopt, and from another's plan."""
    plan, (changes, said) = tmp_path / "plan.json", FALSE[false]
    assert run(capsys, *EXTRACT, "--create-pr", "--dry-run", "--output", plan)[0] == 0
    write_by_hand(plan, **changes)
    for more in ([], ["--dry-run"], ["--adopt"], ["--create-pr", "--repo-id", REPO, "--adopt"]):
        code, _, err = run(capsys, "apply", plan, *more)
        assert code == 3 and said in err and "by hand" in err and "was changed after it was made" in err
    assert model.writes() == []


def test_a_result_by_hand_is_meant_first_and_has_no_source(
    model: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    plan = tmp_path / "plan.json"
    assert run(capsys, *EXTRACT, "--create-pr", "--dry-run", "--output", plan)[0] == 0
    write_by_hand(plan, value=87.3, origin="by hand")
    code, out, err = run(capsys, "apply", plan, "--replace")
    assert code == 3 and "87.3   by hand" in out and "was changed after it was made" in err and not model.writes()
    command = shlex.split(err.partition("evaluation_manager.py ")[2])
    assert "--adopt" in command and run(capsys, *command)[0] == 0
    front = yaml.safe_load(model.files(REPO, "refs/pr/1")["README.md"].decode().split("---")[1])
    rows = {row["metrics"][0]["value"]: row.get("source") for row in front["model-index"][0]["results"]}
    assert rows.pop(87.3) is None and rows and all(source["name"] == "Model card" for source in rows.values())
    (request,) = model.pull_requests(REPO)
    text = json.dumps(request.events[0])
    assert "by hand" in request.title and "| GSM8K | 87.3 | 5-shot | by hand |" in text


def test_a_result_of_a_record_that_is_at_hand_is_what_the_record_says(
    model: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(Path(__file__).parents[1] / "examples" / "tiny_run" / "results", tmp_path / "results")
    plan, hand = tmp_path / "plan.json", tmp_path / "hand.json"
    add = ("add", "--repo-id", REPO, "--results", "results", "--model-id", "tiny_run/step_700", "--create-pr")
    assert run(capsys, *add, "--dry-run", "--output", plan)[0] == 0
    assert run(capsys, "apply", plan, "--dry-run")[0] == 0
    answer_ = json.loads(plan.read_text())
    first = answer_["plan"]["entries"][0]
    true, first["value"] = first["value"], first["value"] / 2 + 0.01
    plan.write_text(json.dumps(answer_))
    for more in ([], ["--adopt"], ["--adopt", "--dry-run"]):
        code, _, err = run(capsys, "apply", plan, *more)
        assert code == 3 and f"value {first['value']:.12g} in the plan, {true:.12g} there" in err
    hand.write_text(json.dumps(answer_ | {"plan": answer_["plan"] | {"source": "an audit"}}))
    first["value"] = true
    plan.write_text(json.dumps(answer_ | {"plan": answer_["plan"] | {"source": "an audit"}}))
    code, _, err = run(capsys, "apply", plan)
    assert code == 3 and "--adopt" in err and "in the plan" not in err
    shutil.rmtree(tmp_path / "results")
    code, out, _ = run(capsys, "apply", hand, "--adopt", "--dry-run")  # said, where nothing can be compared
    assert code == 0 and "their sources were not at hand" in out and model.writes() == []


def test_what_was_chosen_by_hand_is_read_again_where_it_stands(
    model: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    model.commit(REPO, {"README.md": CARD.replace(b"Foo-7B |", b"Bird |")})
    plan = tmp_path / "plan.json"
    ask = (*EXTRACT, "--table", "1", "--model-column-index", "1", "--create-pr", "--dry-run", "--output", plan)
    assert run(capsys, *ask)[0] == 0 and run(capsys, "apply", plan, "--dry-run")[0] == 0
    write_by_hand(plan, samples=1319)
    code, _, err = run(capsys, "apply", plan, "--adopt")
    assert code == 3 and "samples 1319 in the plan, none there" in err
    write_by_hand(plan, samples=None, value=87.3)
    code, _, err = run(capsys, "apply", plan, "--adopt")
    assert code == 3 and "value 87.3 in the plan, 77.3 there" in err and err.count("in the plan") == 1


ASKED = {
    "target": ("card:victim.md", "--card victim.md"),
    "repo_id": ("other/Bar", "--apply --repo-id other/Bar"),
    "replace": (True, "--replace"),
    "beside": (["GSM8K", "--apply"], "--beside=GSM8K --beside=--apply"),
    "scales": ({"": "as-is", "gsm8k": "percent"}, "--scale=as-is --scale=gsm8k=percent"),
    "official": ({"gsm8k": "none"}, "--counts-as=gsm8k=none"),
    "own_harness": (["gsm8k"], "--own-harness=gsm8k"),
    "seal": ("", f"--apply --repo-id {REPO}"),
}


@pytest.mark.parametrize("changed", ASKED)
def test_a_plan_of_another_hand_neither_says_where_it_goes_nor_answers(
    model: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path, changed: str
) -> None:
    """Target, repo and answers count with the user's seal, or from the command line: the printed one says them all."""
    plan, victim = tmp_path / "plan.json", tmp_path / "victim.md"
    victim.write_bytes(CARD)
    value, words = ASKED[changed]
    assert run(capsys, *EXTRACT, "--output", plan)[0] == 0
    saved = json.loads(plan.read_text())["plan"]
    plan.write_text(json.dumps(saved | {changed: value}))
    for more in ([], ["--dry-run"]):
        code, out, err = run(capsys, "apply", plan, *more)
        assert code == 3 and out == "" and "not made by you" in err and words in err and err.count("\n") == 1
        assert model.writes() == [] and victim.read_bytes() == CARD
    half = ("--create-pr",) if changed in ("target", "repo_id") else ("--apply", "--repo-id", REPO)
    assert run(capsys, "apply", plan, *half)[0] == (0 if changed == "seal" else 3)
    code, _, err = run(capsys, "apply", plan)
    code, _, err = run(capsys, *shlex.split(err.partition("evaluation_manager.py ")[2]))
    assert "not made by you" not in err and code == (3 if changed == "repo_id" else 0)  # a card without these values
    assert (victim.read_bytes() != CARD) == (changed == "target")


def test_what_was_decided_on_some_results_is_not_on_others(
    model: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Two plans of the user's own for one repo, put together by somebody: neither's decisions are on the other's."""
    meant, other, mixed = (tmp_path / name for name in ("meant.json", "other.json", "mixed.json"))
    (tmp_path / "README.md").write_bytes(CARD)
    assert run(capsys, *EXTRACT, "--card", "README.md", "--dry-run", "--output", meant)[0] == 0
    (tmp_path / "README.md").write_bytes(CARD.replace(b"77.3", b"71.3"))
    assert run(capsys, *EXTRACT, "--apply", "--dry-run", "--replace", "--output", other)[0] == 0
    results, decided = (json.loads(path.read_text()) for path in (meant, other))
    whole = results["plan"] | {name: decided["plan"][name] for name in (*manager.DECIDED, "seal")}
    for plan in (whole, whole | {"results_seal": decided["plan"]["results_seal"]}):
        mixed.write_text(json.dumps(results | {"plan": plan}))
        assert run(capsys, "apply", mixed)[0] == 3 and model.writes() == []
    assert run(capsys, "apply", other, "--dry-run")[0] == 0


def test_a_plan_is_ones_own_with_ones_own_key(
    model: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same file of another user, or without a key, is asked about."""
    plan, bare = tmp_path / "plan.json", tmp_path / "bare.json"
    assert run(capsys, *EXTRACT, "--create-pr", "--dry-run", "--output", plan)[0] == 0
    with monkeypatch.context() as other:
        other.setenv("XDG_STATE_HOME", str(tmp_path / "state of another"))
        code, _, err = run(capsys, "apply", plan)
        assert code == 3 and f"--create-pr --repo-id {REPO}" in err
        document = answer(capsys, "apply", plan)
        assert document["code"] == 3 and "not made by you" in document["message"]
        other.setenv("XDG_STATE_HOME", str(plan))  # no folder: no key can be made
        code, _, err = run(capsys, *EXTRACT, "--output", bare)
        assert code == 0 and "no seal" in err and json.loads(bare.read_text())["plan"]["seal"] == ""
        assert run(capsys, "apply", bare, "--dry-run")[0] == 3
        said = ("--dry-run", "--apply", "--repo-id", REPO)
        assert run(capsys, "apply", bare, *said)[0] == 3
        assert run(capsys, "apply", bare, *said, "--adopt")[0] == 0
    assert model.writes() == []
    assert run(capsys, "apply", plan)[0] == 0
    assert b"value: 77.3" in model.files(REPO, "refs/pr/1")["README.md"]


def test_a_value_that_cannot_be_is_left_out_and_the_others_are_offered(
    model: LocalHub, capsys: pytest.CaptureFixture[str]
) -> None:
    model.commit(REPO, {"README.md": CARD.replace(b"77.3", b"177.3")})
    code, out, err = run(capsys, *EXTRACT, "--create-pr")
    assert code == 3 and "'177.3' is left out: 177.3 is outside what" in err and "177.3" not in out
    assert "38.4" in out


# --- Tokens, permissions, faults ---------------------------------------------------------------------------------


def test_without_a_network_one_line_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of the client's own tries, and the way that needs no Hub."""
    said: list[logging.LogRecord] = []
    handler, logger = logging.Handler(), logging.getLogger("huggingface_hub")
    monkeypatch.setattr(handler, "emit", said.append)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.invalid")
    monkeypatch.setattr(logger, "handlers", [handler])
    monkeypatch.setattr(logger, "level", logging.WARNING)
    code, out, err = run(capsys, *EXTRACT, "--create-pr")
    assert code == 2 and out == "" and "--card FILE" in err and "no network" in err and said == []


def test_without_a_token_nothing_is_sent(
    model: LocalHub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    (Path(manager.os.environ["HF_HOME"]) / "token").unlink(missing_ok=True)
    code, _, err = run(capsys, *EXTRACT, "--create-pr")
    assert code == 2 and err.count("no Hub token") == 1 and model.writes() == []


@pytest.mark.parametrize("how", ["--create-pr", "--apply"])
def test_a_missing_token_is_said_first_and_the_choice_that_is_needed_all_the_same(
    model: LocalHub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    add = ("add", "--repo-id", REPO, "--results", str(ROOT / "examples" / "tiny_run" / "results"))
    assert "token" not in run(capsys, *add, how)[2]
    monkeypatch.delenv("HF_TOKEN")
    (Path(manager.os.environ["HF_HOME"]) / "token").unlink(missing_ok=True)
    code, _, err = run(capsys, *add, how)
    first, *_, last = err.splitlines()
    assert code == 3 and "no Hub token" in first and "choose one with --model-id" in last and model.writes() == []
    assert "token" not in run(capsys, *add, how, "--dry-run")[2]


def test_a_token_that_may_only_read(
    model: LocalHub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", model.read_token)
    for how in ("--create-pr", "--apply"):
        code, out, err = run(capsys, *EXTRACT, how)
        assert code == 2 and "write permission" in err and model.read_token not in out + err
    assert model.writes() == []


def test_the_repo_of_somebody_else_gets_a_pull_request_but_no_commit(
    model: LocalHub, capsys: pytest.CaptureFixture[str]
) -> None:
    model.create_repo("other/Foo-7B", files={"README.md": CARD})
    theirs = ("extract-readme", "--repo-id", "other/Foo-7B")
    code, _, err = run(capsys, *theirs, "--apply")
    assert code == 2 and "--create-pr" in err
    assert run(capsys, *theirs, "--create-pr")[0] == 0 and len(model.pull_requests("other/Foo-7B")) == 1


@pytest.mark.parametrize("headers", [{"Retry-After": "0"}, {"RateLimit": '"api";r=0;t=0'}, {}], ids=str)
def test_too_many_requests_are_waited_for(model: LocalHub, capsys: pytest.CaptureFixture[str], headers: dict) -> None:
    model.fault("GET", f"/api/models/{REPO}", times=2, status=429, headers=headers)
    assert run(capsys, *EXTRACT)[0] == 0
    assert model.count("GET", f"/api/models/{REPO}") == 3


@pytest.mark.parametrize(
    "how",
    [{"status": 500}, {"status": 503}, {"drop": "answer"}, {"status": 429, "headers": {"Retry-After": "0"}}],
    ids=str,
)
def test_a_hub_in_trouble_is_given_up_after_five_tries(
    model: LocalHub, capsys: pytest.CaptureFixture[str], how: dict
) -> None:
    model.fault("GET", f"/api/models/{REPO}", times=99, **how)
    code, _, err = run(capsys, *EXTRACT)
    assert code == 2 and REPO in err and err.count("\n") <= 2
    assert model.count("GET", f"/api/models/{REPO}") == 5


@pytest.mark.parametrize("how", [{"status": 500}, {"status": 403}, {"drop": "before"}], ids=str)
def test_a_commit_that_fails_leaves_the_repo_as_it_was(
    model: LocalHub, capsys: pytest.CaptureFixture[str], how: dict
) -> None:
    model.fault("POST", f"/{REPO}/commit/", times=99, **how)
    code, _, err = run(capsys, *EXTRACT, "--apply")
    assert code == 2 and "\nerror: writing to me/Foo-7B" in err and model.files(REPO)["README.md"] == CARD


def test_a_lost_answer_is_no_second_commit(model: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    model.fault("POST", f"/{REPO}/commit/", times=1, drop="answer")
    first, _, err = run(capsys, *EXTRACT, "--create-pr")
    second = run(capsys, *EXTRACT, "--create-pr")[0]
    assert (first, second) == (0, 3), err
    assert len(model.pull_requests(REPO)) == 1


def test_gated_private_and_missing(
    model: LocalHub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model.create_repo("other/gated", files={"README.md": CARD}, gated="manual")
    model.create_repo("other/private", files={"README.md": CARD}, private=True)
    model.create_repo("other/bare", files={"config.json": "{}"})
    for name, said in (
        ("gated", "is gated"),
        ("private", "is private"),
        ("nothing", "does not exist"),
        ("bare", "has no README.md"),
    ):
        code, _, err = run(capsys, "extract-readme", "--repo-id", f"other/{name}")
        assert code == 2 and said in err and f"other/{name}" in err
    for wrong in ("foo", "a/b/c", "../x", "https://x/y"):
        assert run(capsys, "show", "--repo-id", wrong)[0] == 2


# --- show, validate, get-prs -------------------------------------------------------------------------------------


def test_show(model: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "show", "--repo-id", REPO)
    assert code == 1 and "has no evaluation results" in err
    run(capsys, *EXTRACT, "--create-pr")
    shown = answer(capsys, "show", "--repo-id", REPO, "--revision", "refs/pr/1")
    assert [r["metrics"][0]["value"] for r in shown["model_index"][0]["results"]] == [38.4, 77.3]
    assert shown["eval_results"][".eval_results/mmlu_pro.yaml"][0]["value"] == 38.4
    code, out, _ = run(capsys, "show", "--repo-id", REPO, "--revision", "refs/pr/1")
    assert code == 0 and re.search(r"GSM8K .*77\.3", out)


def test_validate_what_was_published(model: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, *EXTRACT, "--apply")
    asked = model.count("POST", "/api/validate-yaml")
    code, out, _ = run(capsys, "validate", "--repo-id", REPO, "--json")
    assert code == 0, out
    assert [f for f in json.loads(out)["findings"] if f["severity"] == "error"] == []
    assert model.count("POST", "/api/validate-yaml") == asked + 1


@pytest.mark.parametrize(
    ("card", "said"),
    [
        (b"---\nlicense: mit\ntags:\n\t- a\n---\n# Foo\n", "line 4: not valid YAML"),
        (b"---\rlicense: mit\r---\r# Foo\r", "line 1: its lines end in CR alone"),
        (b"---\nlicense: mit\n# Foo\n", "line 1: the front matter has no closing ---"),
    ],
)
def test_validate_says_what_keeps_the_metadata_from_being_read(
    model: LocalHub, capsys: pytest.CaptureFixture[str], card: bytes, said: str
) -> None:
    model.commit(REPO, {"README.md": card})
    code, out, _ = run(capsys, "validate", "--repo-id", REPO)
    assert code == 1 and said in out
    assert said in run(capsys, "show", "--repo-id", REPO)[2]


def test_validate_finds_what_the_hub_finds(model: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    row = [{"dataset": {"id": "TIGER-Lab/MMLU-Pro", "task_id": "nope"}, "value": 1.5}]
    model.commit(REPO, {".eval_results/mmlu_pro.yaml": yaml.safe_dump(row)})
    code, out, _ = run(capsys, "validate", "--repo-id", REPO, "--json")
    assert code == 1
    assert ".eval_results/mmlu_pro.yaml[0].dataset.task_id" in [f["path"] for f in json.loads(out)["findings"]]


def test_usage(model: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for argv in (
        [*EXTRACT, "--apply", "--create-pr"],
        ["show"],
        ["validate"],
        ["validate", "--card", tmp_path / "no.md"],
        ["apply", tmp_path / "no.json"],
        ["import-aa", "--repo-id", REPO],
        ["batch"],
        ["batch", "--trending", "3", "--author", "me"],
    ):
        code, out, err = run(capsys, *argv)
        assert code == 2 and err.startswith("error: ") and out == ""
    assert model.writes() == []


# --- Pull requests of others, closed ones, and what only looks like one -------------------------------------------


def test_only_an_open_pull_request_is_updated(model: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    api = HfApi()
    run(capsys, *EXTRACT, "--create-pr")
    api.change_discussion_status(REPO, 1, "closed")
    api.create_discussion(REPO, "A question")
    api.create_discussion(REPO, "A draft", pull_request=True)
    before = len(model.writes())
    for number, said in ((1, "is a closed pull request"), (2, "is a discussion"), (99, "no pull request #99")):
        for more in ([], ["--dry-run"]):
            code, _, err = run(capsys, *EXTRACT, "--update-pr", number, *more)
            assert code == 2 and said in err and len(model.writes()) == before
    assert run(capsys, *EXTRACT, "--update-pr", "3")[0] == 0
    assert b"value: 77.3" in model.files(REPO, "refs/pr/3")["README.md"]


def test_an_old_pull_request_about_other_things_blocks_nothing(
    model: LocalHub, capsys: pytest.CaptureFixture[str]
) -> None:
    HfApi().create_commit(
        REPO, [CommitOperationAdd("README.md", CARD + b"a typo")], commit_message="Typo", create_pr=True
    )
    assert run(capsys, *EXTRACT, "--apply")[0] == 0  # main's model-index is another one since then
    assert [r["evaluation"] for r in answer(capsys, "get-prs", "--repo-id", REPO)["pull_requests"]] == [False]


def test_a_pull_request_that_removes_results_counts_even_without_a_diff(
    model: LocalHub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(capsys, *EXTRACT, "--apply")[0] == 0
    remove = [CommitOperationDelete(".eval_results/mmlu_pro.yaml")]
    HfApi().create_commit(REPO, remove, commit_message="Clean up", create_pr=True)
    assert answer(capsys, "get-prs", "--repo-id", REPO)["pull_requests"][0]["evaluation"] is True
    monkeypatch.setattr(manager, "changed_files", lambda diff: set())  # as when it is too large to be shown
    assert answer(capsys, "get-prs", "--repo-id", REPO)["pull_requests"][0]["evaluation"] is True


def test_quoted_names_in_a_diff() -> None:
    diff = 'diff --git "a/.eval_results/\\303\\274.yaml" "b/x.yaml"\ndiff --git a/README.md b/README.md\n'
    assert {"x.yaml", "README.md"} <= manager.changed_files(diff)
    assert any(name.startswith(".eval_results/") for name in manager.changed_files(diff))


# --- Foreign text, garbage, limits -------------------------------------------------------------------------------


def test_what_a_card_says_does_not_act_on_the_terminal(model: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    old = (
        b"model-index:\n- name: Foo-7B\n  results:\n  - task: {type: text-generation}\n"
        b"    dataset: {name: GSM8K, type: openai/gsm8k, config: main, split: test}\n"
        b'    metrics: [{type: exact_match, name: "GSM8K (5-shot)", args: {num_few_shot: 5}, '
        b'value: "\\e[31mred\\n::x"}]\n'
    )
    model.commit(REPO, {"README.md": CARD.replace(b"---\n# Foo", old + b"---\n# Foo")})
    for argv in ([*EXTRACT, "--create-pr"], ["show", "--repo-id", REPO], ["validate", "--repo-id", REPO]):
        _, out, err = run(capsys, *argv)
        assert "\x1b" not in out + err and "\n::x" not in out + err
    code, _, err = run(capsys, *EXTRACT, "--create-pr")
    assert code == 3 and "there is \\u001b[31mred ::x, the new value is 77.3" in err


@pytest.mark.parametrize("path", ["whoami", f"/{REPO}/commit/", f"/{REPO}/preupload/"])
def test_an_answer_that_is_no_json(model: LocalHub, capsys: pytest.CaptureFixture[str], path: str) -> None:
    model.fault("GET|POST", path, times=99, status=200, body=b"<html>welcome</html>")
    code, _, err = run(capsys, *EXTRACT, "--create-pr")
    assert code == 2 and "not JSON" in err and err.count("error: ") == 1 and model.pull_requests(REPO) == []


def test_the_description_names_what_is_new_and_no_more(model: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, *EXTRACT, "--apply")[0] == 0
    text = model.files(REPO)["README.md"].replace(b"| GSM8K", b"| HellaSwag | 81.5 | 70.1 |\n| GSM8K")
    model.commit(REPO, {"README.md": text})
    assert run(capsys, *EXTRACT, "--create-pr")[0] == 0
    (request,) = model.pull_requests(REPO)
    said = HfApi().get_discussion_details(REPO, 1).events[0].content
    assert request.title == "Add 1 evaluation result from the model card's tables"
    assert "HellaSwag" in said and "GSM8K" not in said and "MMLU" not in said


def test_a_pull_requests_title_is_short_and_the_selection_stands_in_its_text(
    model: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    rows = [f"| Benchmark number {i} of a long name | {50 + i}.5 |" for i in range(12)]
    heads = "\n\n".join(f"Text {i}.\n\n| Benchmark | Foo |\n| --- | --- |\n{row}" for i, row in enumerate(rows))
    model.commit(REPO, {"README.md": f"# Foo-7B\n\n{heads}\n".encode()})
    selection = tmp_path / "selection.yaml"
    lines = ", ".join(f"{{table: {i}, column: 1, label: Foo, unit: percent}}" for i in range(1, 13))
    selection.write_text(f"readings: [{lines}]\n", encoding="utf-8")
    code, _, err = run(capsys, *EXTRACT, "--selection", selection, "--create-pr")
    assert code == 0, err
    (request,) = model.pull_requests(REPO)
    said = HfApi().get_discussion_details(REPO, 1).events[0].content
    assert request.title == "Add 12 evaluation results from the model card's tables"
    assert all(f"table {i}, column 1" in said for i in range(1, 13)), said


def test_a_commit_that_met_the_rate_limit_is_sent_again(model: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    model.fault("POST", f"/{REPO}/commit/", times=2, status=429, headers={"Retry-After": "0"})
    assert run(capsys, *EXTRACT, "--create-pr")[0] == 0 and len(model.pull_requests(REPO)) == 1


def test_with_json_a_no_is_a_document_too(model: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "aa.json"
    creator = {"name": "Acme", "slug": "acme"}
    row = {"name": "Foo", "slug": "foo", "model_creator": creator, "evaluations": {"mmlu_pro": 0.5}}
    file.write_text(json.dumps({"data": [row]}), encoding="utf-8")
    ask = ("import-aa", "--input-json", file, "--creator-slug", "acme", "--repo-id", REPO, "--model-name", "bar")
    code, out, err = run(capsys, *ask, "--json")
    assert code == 1 and json.loads(out)["code"] == 1 and "has no model 'bar'" in err
    assert run(capsys, *ask)[1] == ""


def test_a_file_of_eval_results_that_holds_something_else(model: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    path = ".eval_results/mmlu_pro.yaml"
    other = "- dataset: {id: TIGER-Lab/MMLU-Pro, task_id: mmlu_pro}\n  value: 50\n  notes: 0-shot\n"
    only = (*EXTRACT, "--apply", "--format", "eval-results")
    for text, said in ((other, "shots 0 there, not said here"), ("# soon\n", "a file without results")):
        model.commit(REPO, {path: text})
        code, _, err = run(capsys, *only)
        assert code == 3 and said in err and model.files(REPO)[path].decode() == text
    model.commit(REPO, {path: other})
    assert run(capsys, *only, "--beside", "mmlu_pro")[0] == 0 and model.files(REPO)[path].decode() == other
    assert yaml.safe_load(model.files(REPO)[".eval_results/mmlu_pro_2.yaml"])[0]["value"] == 38.4
    assert run(capsys, *only)[0] == 0


# --- What the Hub answers is looked at; what is sent arrives, once ------------------------------------------------


@pytest.mark.parametrize("form", ["empty", "html", "text"])
def test_a_wrong_card_never_becomes_the_card(model: LocalHub, capsys: pytest.CaptureFixture[str], form: str) -> None:
    fault = model.wrong("GET", f"/{REPO}/resolve/|/api/resolve-cache/models/{REPO}", form, times=2)
    assert run(capsys, *EXTRACT, "--apply")[0] == 0 and fault.seen > 2
    assert model.files(REPO)["README.md"].endswith(CARD[CARD.index(b"# Foo") :])
    model.wrong("GET", f"/{REPO}/resolve/|/api/resolve-cache/models/{REPO}", form, times=99)
    code, _, err = run(capsys, *EXTRACT, "--apply")
    assert code == 2 and "are not the file's" in err


@pytest.mark.parametrize("form", sorted(["null", "object", "list", "text", "number", "cut", "html", "empty"]))
@pytest.mark.parametrize(
    "path", ["whoami", f"/api/models/{REPO}($|/revision)", "/discussions", "/preupload/", "/commit/"]
)
def test_strange_answers_end_in_one_line(
    model: LocalHub, capsys: pytest.CaptureFixture[str], path: str, form: str
) -> None:
    model.wrong("GET|POST", path, form, times=99)
    for argv in ([*EXTRACT, "--create-pr"], ["get-prs", "--repo-id", REPO]):
        code, _, err = run(capsys, *argv)
        assert code in (0, 2) and "Traceback" not in err and "fault of this program" not in err, err
    assert len(model.pull_requests(REPO)) <= 1


@pytest.mark.parametrize(
    "how", [{"drop": "answer"}, {"status": 500, "executed": True}, {"status": 429, "executed": True}]
)
@pytest.mark.parametrize("way", ["--create-pr", "--apply"])
def test_a_commit_whose_answer_was_lost_is_found(
    model: LocalHub, capsys: pytest.CaptureFixture[str], way: str, how: dict
) -> None:
    model.fault("POST", "/commit/", **how)
    commits = len(model.commits(REPO))
    assert run(capsys, *EXTRACT, way)[0] == 0
    assert (len(model.pull_requests(REPO)), len(model.commits(REPO)) - commits) == ((1, 0) if way[2] == "c" else (0, 1))


def test_two_at_the_same_moment_end_with_one(model: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    other: list[int] = []

    def meanwhile() -> None:
        model.faults.clear()
        other.append(manager.main([*EXTRACT, "--create-pr"]))

    model.fault("POST", "/commit/", before=meanwhile)
    code = manager.main([*EXTRACT, "--create-pr"])
    out, err = capsys.readouterr()
    assert (code, other) == (0, [0])
    assert [(pull.num, pull.status) for pull in model.pull_requests(REPO)] == [(1, "open"), (2, "closed")]
    assert "was closed" in err and out.count("/discussions/1") == 2


def test_a_pull_request_that_was_closed_is_not_opened_again(
    model: LocalHub, capsys: pytest.CaptureFixture[str]
) -> None:
    run(capsys, *EXTRACT, "--create-pr")
    model.change_pull_request(REPO, 1, "closed", comment="No, thank you")
    for more in ([], ["--dry-run"]):
        code, _, err = run(capsys, *EXTRACT, "--create-pr", *more)
        assert code == 3 and "was closed" in err and "/discussions/1" in err and "--again" in err
    assert run(capsys, *EXTRACT, "--create-pr", "--again")[0] == 0 and len(model.pull_requests(REPO)) == 2


def test_the_dry_run_ends_as_the_real_run_would(
    model: LocalHub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plan = tmp_path / "plan.json"
    run(capsys, *EXTRACT, "--create-pr")
    code, _, err = run(capsys, *EXTRACT, "--create-pr", "--dry-run", "--output", plan)
    assert code == 3 and "/discussions/1" in err and "apply" not in err.replace("apply it", "")
    monkeypatch.setenv("HF_TOKEN", model.read_token)
    code, _, err = run(capsys, *EXTRACT, "--apply", "--dry-run")
    assert code == 2 and "write permission" in err


@pytest.mark.parametrize("what", ["archived", "disabled"])
@pytest.mark.parametrize("more", [["--dry-run"], []])
def test_a_repo_that_takes_nothing_is_told_before_anything_is_sent(
    model: LocalHub, capsys: pytest.CaptureFixture[str], what: str, more: list[str]
) -> None:
    setattr(model.repo(REPO), what, True)
    for way in ("--create-pr", "--apply"):
        code, _, err = run(capsys, *EXTRACT, way, *more)
        assert code == 2 and what in err, err
    assert model.writes() == []


def test_gitignore_leaves_nothing_out(model: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    model.commit(REPO, {".gitignore": "*.md\n.eval_results/\n"})
    assert run(capsys, *EXTRACT, "--create-pr")[0] == 0
    files = model.files(REPO, "refs/pr/1")
    assert b"model-index" in files["README.md"] and ".eval_results/mmlu_pro.yaml" in files


def test_a_card_that_the_hub_refuses_is_told(model: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    model.commit(REPO, {"README.md": CARD.replace(b"apache-2.0", b"my-own-license")})
    code, _, err = run(capsys, *EXTRACT, "--create-pr")
    assert code == 2 and "refuses the card's metadata" in err and "license" in err and err.count("error: ") == 1


@pytest.mark.parametrize("how", ["--create-pr", "--apply"])
def test_what_is_written_was_shown_before(model: LocalHub, capsys: pytest.CaptureFixture[str], how: str) -> None:
    seen: list[str] = []
    model.fault("POST", f"/{REPO}/commit/", before=lambda: seen.append(capsys.readouterr().err))
    code, out, _ = run(capsys, *EXTRACT, how)
    lines = [line for line in out.splitlines() if line.startswith(("new: ", "  "))]
    assert code == 0 and lines and all(line in seen[0] for line in lines)


def test_a_plan_keeps_its_target(model: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    run(capsys, *EXTRACT, "--create-pr", "--format", "model-index")
    plan = tmp_path / "plan.json"
    code, _, err = run(capsys, *EXTRACT, "--update-pr", "1", "--dry-run", "--output", plan)
    assert code == 0 and "#1" in err and "by me" in err and "GSM8K" in err and "--create-pr" not in err
    assert run(capsys, "apply", plan)[0] == 0
    assert ".eval_results/mmlu_pro.yaml" in model.files(REPO, "refs/pr/1") and len(model.commits(REPO)) == 2
    card = tmp_path / "MODEL_CARD.md"
    card.write_bytes(CARD)
    code, _, err = run(capsys, "extract-readme", "--repo-id", REPO, "--card", card, "--output", plan, "--dry-run")
    assert code == 0 and "pull request" not in err
    code, _, err = run(capsys, "apply", plan)
    assert code == 0 and str(card) in err and b"value: 77.3" in card.read_bytes()


def test_a_renamed_repo_is_said_and_written(model: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    model.rename(REPO, "me/Foo-7B-v1")
    code, _, err = run(capsys, *EXTRACT, "--create-pr")
    assert code == 0 and "is called me/Foo-7B-v1 now" in err and len(model.pull_requests("me/Foo-7B-v1")) == 1


def test_a_model_of_old_without_its_owner_has_the_name_that_the_hub_gives_it(
    model: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    model.create_repo("openai-community/gpt2", files={"README.md": CARD.replace(b"Foo-7B", b"GPT-2")})
    model.rename("gpt2", "openai-community/gpt2")
    said = "gpt2 is called openai-community/gpt2 now"
    for command, *more in (
        ("inspect-tables",), ("extract-readme", "--create-pr", "--dry-run"), ("show",), ("validate",), ("get-prs",),
        ("add", "--value", "HLE=1.5", "--source", "https://example.org/paper"),
    ):  # fmt: skip
        code, out, err = run(capsys, command, "--repo-id", "gpt2", *more)
        assert code == (1 if command == "show" else 0) and said in err, command
        assert "--repo-id gpt2" not in out + err
    assert answer(capsys, "extract-readme", "--repo-id", "gpt2")["plan"]["repo_id"] == "openai-community/gpt2"
    code, _, err = run(capsys, "show", "--repo-id", "gpt3")
    assert code == 2 and "gpt3 does not exist" in err
    (tmp_path / "card.md").write_bytes(CARD)
    code, _, err = run(capsys, "show", "--repo-id", "gpt2", "--card", tmp_path / "card.md")
    assert code == 1  # nothing is asked
    code, _, err = run(capsys, "extract-readme", "--repo-id", "gpt2", "--card", tmp_path / "card.md")
    assert code == 2 and "--repo-id must be OWNER/NAME" in err


def test_an_expired_token_is_no_missing_model(
    model: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """To the client each 401 is a repository that is not there (of a Hub with https; here the code says so)."""
    model.fault(".*", ".", times=math.inf, status=401, code="RepoNotFound", message='User Access Token "ci" is expired')
    (tmp_path / "models.txt").write_text(REPO)
    for command, *more in (("extract-readme",), ("extract-readme", "--create-pr"), ("show",), ("get-prs",)):
        code, _, err = run(capsys, command, "--repo-id", REPO, *more)
        assert code == 2 and "the token is not valid; run `hf auth login` again" in err and "not exist" not in err
    assert run(capsys, "batch", "--repo-ids", tmp_path / "models.txt", "--output-dir", tmp_path / "b")[0] == 1
    assert "the token is not valid" in (tmp_path / "b/summary.md").read_text()


def test_many_open_pull_requests_are_read_beside_one_reading_of_main(
    model: LocalHub, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(8):
        model.open_pull_request(REPO, {"README.md": CARD + b"\n%d\n" % number}, user="me")
    model.requests.clear()
    assert run(capsys, "get-prs", "--repo-id", REPO)[0] == 0
    assert model.count("GET", f"/api/models/{REPO}$") == 2  # as it is shown, and as it is compared
    assert model.count("GET", f"/api/models/{REPO}/") == 1 + 8 + 8  # the list; each with its diff, and its card


@pytest.mark.parametrize("end", ["\n", "\r\n", "  "])
def test_a_token_with_blanks_around_it_works_and_shows_nowhere(
    model: LocalHub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    monkeypatch.setenv("HF_TOKEN", model.token + end)
    code, out, err = run(capsys, *EXTRACT, "--create-pr")
    assert code == 0 and model.token not in out + err
    monkeypatch.setenv("HF_TOKEN", f"{model.token[:12]} {model.token[12:]}")
    code, out, err = run(capsys, *EXTRACT, "--create-pr")
    assert code == 2 and "HF_TOKEN" in err and model.token[:12] not in out + err and model.token[12:] not in out + err


def test_get_prs_tells_what_each_touches(model: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, *EXTRACT, "--create-pr")
    model.change_pull_request(REPO, 1, comment="Which split?", user="lab" if model.add_user("lab") else "")
    (found,) = answer(capsys, "get-prs", "--repo-id", REPO)["pull_requests"]
    assert (
        found["benchmarks"] == ["MMLU-Pro", "GSM8K"] and found["yours"] and found["last_comment"] == "lab: Which split?"
    )


def test_a_local_card_keeps_its_link_and_mode(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    real, link = tmp_path / "store" / "card.md", tmp_path / "README.md"
    real.parent.mkdir()
    real.write_bytes(CARD)
    real.chmod(0o640)
    link.symlink_to(real)
    (real.parent / f".{2**22 + 1}.{'0f' * 8}.tmp").write_text("left over")
    local = ("extract-readme", "--repo-id", REPO, "--card", link)
    assert run(capsys, *local, "--apply", "--output", link)[0] == 2 and real.read_bytes() == CARD
    assert run(capsys, *local, "--apply")[0] == 0
    assert link.is_symlink() and b"value: 77.3" in real.read_bytes() and real.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in real.parent.iterdir()] == ["card.md"]
    real.write_bytes(CARD)
    real.chmod(0o440)
    code, _, err = run(capsys, *local, "--apply")
    assert code == 2 and "may only be read" in err and real.read_bytes() == CARD


# --- One measurement in two tables -------------------------------------------------------------------------------

TWICE = b"""# Foo-7B

In percent:

| Benchmark | Metric | Foo-7B | Bar-7B |
|---|---|---|---|
| GSM8K (8-shot, CoT) | exact match | 58.9 | 40.2 |
| HellaSwag (10-shot) | acc_norm | 77.05 | 70.1 |

## Comparison

As proportions:

| Model | MMLU-Pro | GSM8K | TruthfulQA |
|---|---|---|---|
| Bar-7B | 0.312 | 0.402 | 0.449 |
| Foo-7B | 0.348 | 0.589 | 0.463 |
"""


def values_of(document: dict) -> dict[str, list[float]]:
    """The values of a plan's model-index by data set."""
    found: dict[str, list[float]] = {}
    for result in document["model_index"]:
        found.setdefault(result["dataset"]["name"], []).append(result["metrics"][0]["value"])
    return found


@pytest.mark.parametrize("swap", [False, True])
def test_one_measurement_in_two_tables_is_one_result(
    model: LocalHub, capsys: pytest.CaptureFixture[str], swap: bool
) -> None:
    """In percent with its settings, and as a proportion without: the one that says more is written, and it is said."""
    first, _, second = TWICE.partition(b"## Comparison\n")
    model.commit(REPO, {"README.md": (b"# Foo-7B\n" + second + b"\n## Runs\n\n" + first[8:]) if swap else TWICE})
    model.create_benchmark("openai/gsm8k", ["gsm8k"])
    row = [{"dataset": {"id": "openai/gsm8k", "task_id": "gsm8k"}, "value": 71.5}]
    model.create_repo("other/Baz", files={"README.md": "# Baz\n", ".eval_results/gsm8k.yaml": yaml.safe_dump(row)})
    found = answer(capsys, *EXTRACT, "--all-tables", "--scale", "percent", "--create-pr", "--dry-run")
    assert values_of(found)["GSM8K"] == [58.9]
    assert [path for path in found["eval_results"] if "gsm8k" in path] == [".eval_results/gsm8k.yaml"]
    assert any("the same result as GSM8K (exact match, 8-shot, CoT) 58.9" in text for text in found["notes"])
    model.commit(REPO, {"README.md": TWICE.replace(b"0.589", b"0.571")})
    found = answer(capsys, *EXTRACT, "--all-tables", "--scale", "percent", "--create-pr", "--dry-run")
    assert values_of(found)["GSM8K"] == [58.9, 57.1]


def test_an_answer_about_a_scale_is_carried_out_or_refused(model: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    """Also for results of which no leaderboard says a scale; nothing is accepted and ignored."""
    model.commit(REPO, {"README.md": TWICE})
    ask = (*EXTRACT, "--all-tables", "--create-pr", "--dry-run")
    found = answer(capsys, *ask, "--scale", "mmlu_pro=percent", "--scale", "truthfulqa=percent")
    assert values_of(found)["TruthfulQA"] == [46.3]
    assert any("TruthfulQA: 0.463 written as 46.3, in percent" in text for text in found["notes"])
    code, _, err = run(capsys, *ask, "--scale", "nonsense=percent")
    assert code == 2 and "--scale nonsense=percent: no result has this name" in err and "truthfulqa" in err.lower()
    code, _, err = run(capsys, *EXTRACT, "--all-tables", "--json", "--scale", "nonsense=percent")
    assert code == 2 and "no result has this name" in err
    found = answer(capsys, *ask, "--scale", "percent")
    assert values_of(found)["TruthfulQA"] == [46.3] and values_of(found)["MMLU-Pro"] == [34.8]
    found = answer(capsys, *ask, "--scale", "percent", "--scale", "truthfulqa=as-is")
    assert values_of(found)["TruthfulQA"] == [0.463]
    found = answer(capsys, *ask, "--scale", "mmlu_pro=percent", "--scale", "hellaswag=proportion")
    assert values_of(found)["HellaSwag"] == [0.7705]


def test_a_score_that_is_no_share_is_not_converted(model: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    table = b"| Benchmark | Foo-7B | Bar-7B |\n|---|---|---|\n| MT-Bench | 8.1 | 7.3 |\n"
    model.commit(REPO, {"README.md": b"# Foo-7B\n\n## Evaluation\n\n" + table})
    ask = (*EXTRACT, "--all-tables", "--create-pr", "--dry-run")
    code, _, err = run(capsys, *ask, "--scale", "mt_bench=proportion")
    assert code == 2 and "it is no share" in err
    found = answer(capsys, *ask, "--scale", "percent")
    assert values_of(found) == {"MT-Bench": [8.1]} and any("stays 8.1: it is no share" in n for n in found["notes"])


def test_a_saved_plan_keeps_the_answers_about_scales(
    model: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    model.commit(REPO, {"README.md": TWICE})
    file = tmp_path / "plan.json"
    assert run(capsys, *EXTRACT, "--all-tables", "--scale", "percent", "--output", str(file))[0] == 0
    saved = json.loads(file.read_text(encoding="utf-8"))
    assert saved["plan"]["scales"] == {"": "percent"} and values_of(saved)["TruthfulQA"] == [46.3]
    assert any("the same result as" in text for text in saved["notes"])
    assert run(capsys, "apply", file, "--create-pr")[0] == 0
    assert yaml.safe_load(model.files(REPO, "refs/pr/1")[".eval_results/mmlu_pro.yaml"])[0]["value"] == 34.8


def test_metadata_that_was_written_does_not_void_what_was_read(
    model: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A plan and a selection are of the card's body: results above it change neither; another body does."""
    body = TWICE.replace(b"| Foo-7B |", b"| Bird |").replace(b"| Foo-7B |", b"| Bird |")
    model.commit(REPO, {"README.md": body.replace(b"Metric | Foo-7B", b"Metric | Bird")})
    draft = run(capsys, "inspect-tables", "--repo-id", REPO, "--draft")[1]
    digest = re.search(r"card_sha256: \w{64}", draft)[0]
    selection, plan = tmp_path / "selection.yaml", tmp_path / "plan.json"
    selection.write_text(f"{digest}\nreadings: [{{table: 1, column: 2}}, {{table: 2, row: 1}}]\n", encoding="utf-8")
    ask = (*EXTRACT, "--selection", selection, "--scale", "percent")
    assert run(capsys, *ask, "--output", plan)[0] == 0
    assert run(capsys, "apply", plan, "--apply")[0] == 0
    assert b"model-index" in model.files(REPO)["README.md"]
    code, _, err = run(capsys, "apply", plan)
    assert code == 0 and "has all of it already" in err
    code, _, err = run(capsys, *ask, "--apply")
    assert code == 0 and "has all of it already" in err
    model.commit(REPO, {"README.md": model.files(REPO)["README.md"].replace(b"58.9 |", b"58.8 |")})
    assert run(capsys, "apply", plan)[0] == 3
    code, _, err = run(capsys, *ask, "--apply")
    assert code == 2 and "another state of the card" in err


def test_one_number_on_two_scales_is_told_apart(
    model: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    index = (
        "---\nmodel-index:\n- name: Foo-7B\n  results:\n  - task: {type: text-generation}\n"
        "    dataset: {name: MMLU-Pro, type: TIGER-Lab/MMLU-Pro, config: default, split: test}\n"
        "    metrics: [{type: accuracy, name: MMLU-Pro, value: 0.348}]\n---\n"
    )
    model.commit(REPO, {"README.md": index.encode() + TWICE})
    selection = tmp_path / "selection.yaml"
    line = "{table: 2, row: 1, label: Foo-7B, columns: [1], unit: percent}"
    selection.write_text(f"readings: [{line}]\n", encoding="utf-8")
    ask = (*EXTRACT, "--selection", selection, "--format", "model-index", "--beside", "all", "--create-pr", "--dry-run")
    notes = " ".join(answer(capsys, *ask)["notes"])
    assert "0.348 of MMLU-Pro (a proportion), and not 0.348 (in percent)" in notes
