"""Files of .eval_results that somebody else has spoiled: each stands for itself, and nobody writes over it."""

import hashlib
import json
import shutil
from pathlib import Path

import benchmark_calculator as calculator
import evaluation_manager as manager
import leaderboard
import pytest
from huggingface_hub import CommitOperationAdd, HfApi

ROOT = Path(__file__).resolve().parent.parent

SPOILED = {
    "latin": b"- {dataset: {id: a/b}, value: 1, notes: caf\xe9}\n",
    "list": b"a: 1\n",
    "yaml": b"- [\n",
    "tag": b"- !!python/object/apply:os.system [ls]\n",
    "keys": b"- {dataset: {id: a/b}, value: 1, value: 2}\n",
    "text": b"- {dataset: a/b, value: 1}\n",
    "aliases": b"a: &a [1,1,1,1,1,1,1,1,1,1]\n" + b"".join(
        b"%c: &%c [%s]\n" % (new, new, b",".join([b"*%c" % (new - 1)] * 10)) for new in range(ord("b"), ord("i"))
    ),
    "large": b"#" * 20_000_001,
}  # fmt: skip
GOOD = b"- {dataset: {id: TIGER-Lab/MMLU-Pro, task_id: mmlu_pro}, value: 71.5, x: .nan, 2026-01-01: 1}\n"


@pytest.fixture
def spoiled(hub, monkeypatch, tmp_path):
    """A model with a good file of .eval_results, to which each test adds others."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_TOKEN", hub.token)
    card = b"# M\n\n| Benchmark | M |\n|---|---|\n| GSM8K | 38.4 |\n| HLE | 12.5 |\n"
    hub.create_benchmark("cais/hle", ["hle"])
    hub.create_repo("me/M", files={"README.md": card, ".eval_results/good.yaml": GOOD})
    return hub


@pytest.mark.parametrize("kind", SPOILED)
def test_one_spoiled_file_of_results_stops_nothing_else(spoiled, capsys, kind):
    path = f".eval_results/{kind}.yaml"
    spoiled.commit("me/M", {path: SPOILED[kind]})
    assert manager.main(["show", "--repo-id", "me/M", "--json"]) == 3
    out, err = capsys.readouterr()
    shown = json.loads(out)
    assert shown["eval_results"][".eval_results/good.yaml"][0]["value"] == 71.5 and list(shown["unreadable"]) == [path]
    assert f"error: {path} cannot be read" in err
    assert manager.main(["show", "--repo-id", "me/M"]) == 3 and "71.5" in capsys.readouterr().out
    assert manager.main(["validate", "--repo-id", "me/M"]) == 1 and f"error {path}" in capsys.readouterr().out
    extract = ["extract-readme", "--repo-id", "me/M", "--output", "plan.json"]
    assert manager.main(extract) == 0
    assert manager.main(["apply", "plan.json", "--create-pr"]) == 0
    assert f"note: {path} cannot be read" in capsys.readouterr().err
    files = spoiled.files("me/M", "refs/pr/1")
    assert files[path] == SPOILED[kind] and files[".eval_results/good.yaml"] == GOOD
    assert b"GSM8K" in files["README.md"] and b"12.5" in files[".eval_results/hle.yaml"]


@pytest.mark.parametrize("kind", [kind for kind in SPOILED if kind != "aliases"])
def test_what_cannot_be_read_is_not_written_over(spoiled, capsys, kind):
    spoiled.commit("me/M", {".eval_results/hle.yaml": SPOILED[kind]})
    words = ["extract-readme", "--repo-id", "me/M", "--create-pr"]
    assert manager.main(words) == 3
    assert "hle.yaml" in (err := capsys.readouterr().err) and "a file that cannot be read" in err and "--beside" in err
    assert manager.main([*words, "--beside", "HLE"]) == 0
    files = spoiled.files("me/M", "refs/pr/1")
    assert files[".eval_results/hle.yaml"] == SPOILED[kind] and b"12.5" in files[".eval_results/hle_2.yaml"]


def test_a_pull_request_with_such_a_file_says_so(spoiled, capsys):
    HfApi(token=spoiled.token).create_commit(
        "me/M", [CommitOperationAdd(".eval_results/x.yaml", b"a: 1\n")], commit_message="x", create_pr=True
    )
    assert manager.main(["get-prs", "--repo-id", "me/M"]) == 0
    assert "unreadable: .eval_results/x.yaml" in capsys.readouterr().out


def test_a_clone_with_such_files_is_read_and_none_is_touched(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("README.md").write_text("# M\n\n| Benchmark | M |\n|---|---|\n| GSM8K | 38.4 |\n")
    Path(".eval_results").mkdir()
    for name in ("latin", "list"):
        Path(f".eval_results/{name}.yaml").write_bytes(SPOILED[name])
    assert manager.main(["show", "--card", "README.md"]) == 3
    assert "latin.yaml cannot be read" in (err := capsys.readouterr().err) and "list.yaml cannot be read" in err
    assert manager.main(["extract-readme", "--repo-id", "me/M", "--card", "README.md", "--apply"]) == 0
    assert "GSM8K" in Path("README.md").read_text().partition("# M")[0]
    assert Path(".eval_results/list.yaml").read_bytes() == SPOILED["list"]


def test_claims_in_such_a_file_are_not_judged(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    index = "[{name: M, results: [{task: {type: text-generation}, dataset: {name: GSM8K, type: openai/gsm8k},"
    index += " metrics: [{type: exact_match, value: 38.4}]}]}]"
    Path("README.md").write_text(f"---\nmodel-index: {index}\n---\n")
    Path(".eval_results").mkdir()
    Path(".eval_results/x.yaml").write_bytes(SPOILED["list"])
    results = ROOT / "examples/tiny_run/results"
    words = ["check", "--card", "README.md", "--results", str(results), "--model-id", "tiny_run/step_700", "--json"]
    assert manager.main([*words]) == 3
    assert any("x.yaml cannot be read" in text for text in json.loads(capsys.readouterr().out)["notes"])


def test_a_pull_request_that_cannot_be_read_is_named_and_blocks_only_until_that_is_allowed(spoiled, capsys):
    HfApi(token=spoiled.token).create_commit(
        "me/M", [CommitOperationAdd("README.md", b"#" * 20_000_001)], commit_message="x", create_pr=True
    )
    words = ["extract-readme", "--repo-id", "me/M", "--create-pr"]
    assert manager.main(words) == 3
    err = capsys.readouterr().err
    assert "pull request #1 counts as one that touches evaluation metadata" in err and "discussions/1" in err
    assert manager.main(["get-prs", "--repo-id", "me/M"]) == 0 and "unreadable" in capsys.readouterr().out
    assert manager.main([*words, "--allow-duplicate-pr"]) == 0


@pytest.mark.parametrize("rule", ["unknown", "median", "corpus_f1", "mean over subsets", None])
def test_no_word_in_a_record_makes_a_share_of_right_answers_anything_but_the_mean_of_its_items(
    tmp_path, monkeypatch, capsys, rule
):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "examples/tiny_run/results", "results")
    for path in Path("results").glob("data/*/tiny_run/step_100/*.json"):
        content = json.loads(path.read_text())
        for result in content["evaluation_results"]:
            result["metric_config"]["additional_details"]["aggregation"] = rule
            if rule is None:
                del result["metric_config"]["additional_details"]["aggregation"]
            result["score_details"]["score"] = 0.987
            result["score_details"]["uncertainty"].pop("standard_error", None)
        path.write_text(json.dumps(content))
    assert leaderboard.main(["collect", "--results", "results", "--output-dir", "board"]) == 0
    capsys.readouterr()
    leaderboard.main(["show", "--data", "board"])
    assert "98.7" not in capsys.readouterr().out
    Path("card.md").write_text("---\nlicense: mit\n---\n")
    words = ["add", "--repo-id", "me/x", "--results", "results", "--model-id", "tiny_run/step_100", "--card", "card.md"]
    assert manager.main([*words, "--output", "plan.json"]) == 1
    assert "is not the mean of its items" in capsys.readouterr().err


def first_of_all_right(lines, result):
    """One item is worth so much that the mean is 0.99."""
    lines[0]["evaluation"]["score"] += 0.99 * len(lines) - sum(line["evaluation"]["score"] for line in lines)
    result["score_details"]["score"] = sum(line["evaluation"]["score"] for line in lines) / len(lines)
    result["score_details"]["uncertainty"].pop("standard_error", None)


def about_another(lines, result):
    for line in lines:
        line["evaluation_result_id"] = "other"
    result["score_details"]["score"] = 0.99
    result["score_details"]["uncertainty"].pop("standard_error", None)


def wrong_ones_about_another(lines, result):
    for line in lines:
        if line["evaluation"]["score"] == 0:
            line["evaluation_result_id"] = "other"
    result["score_details"] |= {"score": 1.0}


def without_error(lines, result):
    result["score_details"]["uncertainty"]["standard_error"] = {"value": 1e-9, "method": "analytic"}


def with_a_small_error(lines, result):
    result["score_details"]["uncertainty"]["standard_error"] = {"value": 0.004, "method": "bootstrap"}


def read_from_a_card(lines, result):
    result["score_details"]["score"] = 0.99


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (first_of_all_right, "which no item of accuracy can have"),
        (about_another, "lines about other, and its record has no such result"),
        (wrong_ones_about_another, "lines about other, and its record has no such result"),
        (without_error, "it states a standard error of 1e-09, and its items have one of"),
        (with_a_small_error, "it states a standard error of 0.004, and its items have one of"),
        (read_from_a_card, "is not the mean of its items"),
    ],
)
def test_what_the_items_of_a_record_deny_ranks_nowhere(tmp_path, monkeypatch, capsys, change, said):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "examples/tiny_run", "run")
    for path in Path("run/results").glob("data/*/tiny_run/step_100/*.json"):
        content, samples = json.loads(path.read_text()), path.with_name(f"{path.stem}_samples.jsonl")
        lines = [json.loads(line) for line in samples.read_text().splitlines()]
        change(lines, content["evaluation_results"][0])
        if change is read_from_a_card:
            content["source_metadata"]["source_type"] = "documentation"
        text = "".join(json.dumps(line) + "\n" for line in lines)
        samples.write_text(text)
        content["detailed_evaluation_results"]["checksum"] = hashlib.sha256(text.encode()).hexdigest()
        path.write_text(json.dumps(content))
    calculator.main(["run/checkpoints", "--results", "run/results"])
    told = "".join(capsys.readouterr())
    assert said in told and "best: step_100" not in told
    leaderboard.main(["collect", "--results", "run/results", "--output-dir", "board"])
    capsys.readouterr()
    leaderboard.main(["show", "--data", "board"])
    assert "tiny_run/step_100 leads" not in (out := capsys.readouterr().out) and "is certain" not in out


def test_a_score_that_was_read_in_a_document_is_not_called_measured(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "examples/tiny_run", "run")
    for path in Path("run/results").glob("data/*/tiny_run/step_100/*.json"):
        path.write_text(path.read_text().replace('"evaluation_run"', '"documentation"'))
    assert calculator.main(["run/checkpoints", "--results", "run/results"]) == 0
    assert "not measured, but read in a document: step_100 (code_generation" in "".join(capsys.readouterr())
