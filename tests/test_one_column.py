"""One column, one way of measuring: acc beside acc_norm, runs of other settings, prompts that no items tell apart."""

from __future__ import annotations

import json
from pathlib import Path

import compare_results
import convert_results
import leaderboard
import pytest
from record_writer import write_record

MORE = {"samples": False, "n": 10042, "error": 0.004, "library": ("lm_eval", "0.4.9")}


def board(tmp_path: Path, capsys: pytest.CaptureFixture, *how: str) -> dict:
    data = str(tmp_path / "board")
    assert leaderboard.main(["collect", "--results", str(tmp_path / "r"), "--output-dir", data]) == 0
    capsys.readouterr()
    assert leaderboard.main(["show", "--data", data, "--json", *how]) == 0
    return json.loads(capsys.readouterr().out)


def measured(tmp_path: Path, model: str, **scores: float) -> None:
    for metric, score in scores.items():
        write_record(tmp_path / "r", model, [], task="hellaswag", metric=metric, score=score, **MORE)


@pytest.mark.parametrize("how", [(), ("--benchmark", "hellaswag")])
def test_acc_and_acc_norm_are_never_in_one_column(tmp_path: Path, capsys: pytest.CaptureFixture, how) -> None:
    measured(tmp_path, "acme/both", accuracy=0.6, acc_norm=0.8)
    measured(tmp_path, "acme/only", acc_norm=0.75)
    assert board(tmp_path, capsys, *how)["conclusion"].startswith("acme/both leads by 5.0 points over acme/only (80.0")


def test_a_model_that_has_the_other_one_alone_has_no_place(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    for name, score in (("acme/a", 0.6), ("acme/b", 0.5)):
        measured(tmp_path, name, accuracy=score)
    measured(tmp_path, "acme/norm", acc_norm=0.9)
    told = board(tmp_path, capsys, "--benchmark", "hellaswag")
    assert [row["model"] for row in told["rows"]] == ["acme/a", "acme/b"]
    (row,) = board(tmp_path, capsys, "--model", "acme/norm")["rows"]
    assert "in acc_norm, while the column of HellaSwag is in acc" in row["why_not"]


def test_below_chance_is_so_for_weighed_choices_too(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    measured(tmp_path, "acme/broken", acc_norm=0.1)
    measured(tmp_path, "acme/sound", acc_norm=0.5)
    assert [row["model"] for row in board(tmp_path, capsys, "--benchmark", "hellaswag")["rows"]] == ["acme/sound"]


def with_filters(tmp_path: Path, model: str, **scores: float) -> None:
    for name, score in scores.items():
        metric = f"exact_match,{name.replace('_', '-')}"
        write_record(tmp_path / "r", model, [], task="gsm8k", metric=metric, score=score, **MORE)


def test_two_filters_of_one_metric_are_two_columns_of_which_one_is_shown(tmp_path: Path, capsys) -> None:
    """lm-eval finds GSM8K's answers in two ways; a board without the benchmark hides who is best at it."""
    for model, strict, flexible in (("acme/a", 0.6, 0.8), ("acme/b", 0.5, 0.9)):
        with_filters(tmp_path, model, strict_match=strict, flexible_extract=flexible)
    assert board(tmp_path, capsys)["conclusion"].startswith("acme/a leads by 10.0 points over acme/b (60.0")
    with_filters(tmp_path, "acme/flexible", flexible_extract=0.7)
    told = board(tmp_path, capsys, "--benchmark", "gsm8k")
    assert [row["model"] for row in told["rows"]] == ["acme/b", "acme/a", "acme/flexible"]  # most have that one
    (row,) = [r for r in board(tmp_path, capsys, "--model", "acme/a")["rows"] if r["metric"].endswith("strict-match")]
    assert "in strict-match, while the column of GSM8K is in flexible-extract" in row["why_not"]


def test_a_vote_over_many_tries_is_no_filter_of_one(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    write_record(tmp_path / "r", "acme/a", [], task="gsm8k", metric="exact_match,maj@64", score=0.9, **MORE)
    with_filters(tmp_path, "acme/b", strict_match=0.5)
    told = board(tmp_path, capsys, "--benchmark", "gsm8k")
    assert [row["model"] for row in told["rows"]] == ["acme/b"]


def test_how_far_raters_agree_ranks_no_model(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    more = {"samples": False, "n": 20, "error": 0.1, "unit": "points"}
    for model, mos, agreement in (("acme/good", 3.8, 0.1), ("acme/bad", 2.1, 0.9)):
        for metric, score in (("krippendorff_alpha", agreement), ("mos", mos)):
            write_record(tmp_path / "r", model, [], task="voices", metric=metric, score=score, **more)
    told = board(tmp_path, capsys)
    assert told["conclusion"].startswith("acme/good leads by 1.70 points over acme/bad (3.80 ")
    assert "krippendorff" not in json.dumps(told["rows"])
    rows = board(tmp_path, capsys, "--model", "acme/bad")["rows"]
    assert any("how far raters agree" in str(row["why_not"]) for row in rows)


def test_another_run_of_a_model_is_named(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    for shots, score in ((5, 0.712), (0, 0.689)):
        write_record(tmp_path / "r", "acme/a", [], task="hellaswag", score=score, shots=shots, **MORE)
    told = board(tmp_path, capsys)
    assert "Of several scores one is shown: acme/a, HellaSwag: " in told["conclusion"]
    assert "71.2 (5-shot" in told["conclusion"] and "68.9 (0-shot" in told["conclusion"] and told["several_runs"]


def lm_eval_file(folder: Path, score: float, prompt: str, task: str = "gsm8k") -> str:
    config = {"task": task, "doc_to_text": prompt, "num_fewshot": 5, "output_type": "generate_until"}
    document = {
        "results": {task: {"exact_match,none": score, "exact_match_stderr,none": 0.01}},
        "configs": {task: config},
        "n-shot": {task: 5},
        "n-samples": {task: {"original": 1319, "effective": 1319}},
        "config": {"model": "hf", "model_args": f"pretrained=acme/{folder.name}"},
        "lm_eval_version": "0.4.9",
    }
    path = folder / "in" / f"acme__{folder.name}" / "results_2026-03-01T10-00-00.123456.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(document))
    assert convert_results.main([str(folder / "in"), "--output-dir", str(folder / "out")]) == 0
    return str(folder / "out")


@pytest.mark.parametrize(
    ("one", "two", "code"),
    [("Q: {{question}}", "Question: {{question}}", 3), ("Q: {{question}}", "Q: {{question}}", 0)],
)
def test_other_prompts_are_told_without_items(tmp_path: Path, capsys: pytest.CaptureFixture, one, two, code) -> None:
    base, new = lm_eval_file(tmp_path / "a", 0.5, one), lm_eval_file(tmp_path / "b", 0.7, two)
    capsys.readouterr()
    assert compare_results.main(["--baseline", base, "--candidate", new, "--json"]) == code
    assert ("prompt template" in capsys.readouterr().out) is (code == 3)


def test_a_function_that_makes_the_prompts_is_not_told_by_its_place_in_memory(tmp_path: Path, capsys) -> None:
    base, new = (
        lm_eval_file(tmp_path / name, score, f"<function ask at 0x{place}>")
        for name, score, place in (("a", 0.5, "7f01"), ("b", 0.7, "7f02"))
    )
    assert compare_results.main(["--baseline", base, "--candidate", new, "--json"]) == 0


def test_the_subjects_of_mmlu_by_their_name_of_2023_make_mmlu(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    mapping = json.loads((Path(leaderboard.__file__).parents[1] / "metric_mapping.json").read_text())
    subjects = mapping["mmlu"]["parts"][0]["names"].split()
    values = {f"hendrycksTest-{name}": {"acc": 0.5, "acc_norm": 0.4, "acc_stderr": 0.05} for name in subjects}
    config = {"model": "hf-causal", "model_args": "pretrained=acme/old", "num_fewshot": 5}
    (tmp_path / "old.json").write_text(json.dumps({"results": values, "versions": {}, "config": config}))
    command = [str(tmp_path / "old.json"), "--model-id", "acme/old", "--harness-version", "0.3.0"]
    assert convert_results.main([*command, "--output-dir", str(tmp_path / "r")]) == 0
    assert [row["model"] for row in board(tmp_path, capsys, "--benchmark", "mmlu")["rows"]] == ["acme/old"]
