"""Scores without items: a harness's own definition of a metric says its unit, and what does not rank is named."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

import benchmark_calculator
import compare_results
import convert_results
import leaderboard
import pytest
from record_writer import write_record
from scipy.stats import binom


def lighteval_file(folder: Path, model: str, results: dict[str, dict[str, float]]) -> None:
    general = {"model_name": model, "lighteval_sha": "?", "max_samples": None, "model_config": {"model_name": model}}
    path = folder / "results" / model / "results_2026-03-01T10-00-00.123456.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"config_general": general, "results": results}))


def units(folder: Path) -> dict[str, str]:
    results = [json.loads(path.read_text())["evaluation_results"][0] for path in folder.rglob("*.json")]
    return {one["metric_config"]["metric_name"]: one["metric_config"]["metric_unit"] for one in results}


@pytest.mark.parametrize("metric", ["extractive_match", "qem", "maj@8", "g-pass@16:n=32", "truthfulqa_mc2", "em"])
def test_a_metric_that_lighteval_defines_as_a_share_has_its_unit_without_items(tmp_path: Path, metric: str) -> None:
    lighteval_file(tmp_path / "in", "acme/a", {"my_task|5": {metric: 0.5, f"{metric}_stderr": 0.1}})
    assert convert_results.main([str(tmp_path / "in"), "--output-dir", str(tmp_path / "out")]) == 0
    assert list(units(tmp_path / "out").values()) == ["proportion"]


@pytest.mark.parametrize("metric", ["bert_something", "summac", "bleurt"])
def test_what_lighteval_does_not_define_as_a_share_gets_no_unit_of_shares(tmp_path: Path, metric: str) -> None:
    lighteval_file(tmp_path / "in", "acme/a", {"my_task|5": {metric: 0.5}})
    convert_results.main([str(tmp_path / "in"), "--output-dir", str(tmp_path / "out")])
    assert "proportion" not in units(tmp_path / "out").values()


@pytest.mark.parametrize("turned", [False, True])
def test_metrics_of_one_task_have_ids_of_their_own_in_any_order(tmp_path: Path, turned: bool) -> None:
    """Plain exact match and the one of normalized texts: one shared name, two numbers."""
    both = {"em": 0.45, "em:normalize_gold=f&normalize_pred=f": 0.4, "pass@k:k=1&n=16": 0.2, "pass@k:k=1&n=4": 0.3}
    lighteval_file(tmp_path / "in", "acme/a", {"my_task|5": dict(reversed(both.items())) if turned else both})
    convert_results.main([str(tmp_path / "in"), "--output-dir", str(tmp_path / "out")])
    (record,) = (json.loads(path.read_text()) for path in (tmp_path / "out").rglob("*.json"))
    found = {row["metric_config"]["metric_id"]: row["score_details"]["score"] for row in record["evaluation_results"]}
    assert found == {
        "exact_match": 0.45,
        "em:normalize_gold=f&normalize_pred=f": 0.4,
        "pass_at_1": 0.3,
        "pass@k:k=1&n=16": 0.2,
    }


@pytest.mark.parametrize(("limit", "code"), [("0.5", 3), ('"0.5 points"', 1), ('"50 points"', 0)])
def test_half_a_point_is_not_taken_for_half_of_all_answers(tmp_path: Path, limit: str, code: int) -> None:
    """0.9 and 0.7 of 400: 20 points less."""
    for name, right in (("old", 360), ("new", 280)):
        write_record(tmp_path, f"me/{name}", [float(i < right) for i in range(400)])
    policy = tmp_path / "policy.yaml"
    policy.write_text(f"defaults: {{max_drop: {limit}}}\n")
    words = ["--baseline", "me/old", "--candidate", "me/new", "--results", str(tmp_path), "--policy", str(policy)]
    try:
        assert compare_results.main(words) == code
    except SystemExit as ended:
        assert ended.code == code


@pytest.mark.parametrize(
    ("limit", "code"),
    [
        ("max_relative_drop: 0.5", 3),
        ("max_relative_drop: 0.5 %", 1),
        ("max_relative_drop: 50 %", 0),
        ("max_relative_drop: 0.05", 1),
        ("max_drop: 0.01, max_relative_drop: 0.5", 1),
        ("min_gain: 0.5", 3),
        ("min_gain: 0.5 points", 1),
        ("min_relative_gain: 2", 3),
        ("min_relative_gain: 200 %", 1),
        ("min_relative_gain: 2 %", 1),
    ],
)
def test_a_bare_half_of_any_limit_may_be_half_a_percent(tmp_path: Path, limit: str, code: int) -> None:
    """0.9 and 0.7 of 400: 22 % less."""
    for name, right in (("old", 360), ("new", 280)):
        write_record(tmp_path, f"me/{name}", [float(i < right) for i in range(400)])
    policy = tmp_path / "policy.yaml"
    rule = "rule: finetune\ntargets: [my_quiz]\n" if "gain" in limit else ""
    policy.write_text(f"{rule}defaults: {{{limit}}}\n")
    words = ["--baseline", "me/old", "--candidate", "me/new", "--results", str(tmp_path), "--policy", str(policy)]
    try:
        assert compare_results.main(words) == code
    except SystemExit as ended:
        assert ended.code == code


@pytest.mark.parametrize(
    ("metric", "reducers", "alike"),
    [
        ("max", None, False),
        ("accuracy_mode", None, False),
        ("at_least_2", None, False),
        ("accuracy_own", '["own"]', False),
        ("accuracy", '["max", "mean"]', True),
        ("pass_at_2", '["pass_at_2"]', True),
    ],
)
def test_the_best_of_nine_answers_is_no_gain_over_the_best_of_three(
    tmp_path: Path, capsys: pytest.CaptureFixture, metric: str, reducers: str | None, alike: bool
) -> None:
    """One model twice: 0.3 of its answers are right, so 0.66 of the best of 3 and 0.96 of the best of 9."""
    for name, repeats, share in (("old", 3, 1 - 0.7**3), ("new", 9, 1 - 0.7**9)):
        scores = [float(i < round(200 * share)) for i in range(200)]
        settings = {"repeats": repeats} | ({"epochs_reducer": reducers} if reducers else {})
        write_record(
            tmp_path, f"me/{name}", scores, metric=metric, settings=settings, library=("inspect_ai", "0.3.180")
        )
    words = ["--baseline", "me/old", "--candidate", "me/new", "--results", str(tmp_path)]
    assert compare_results.main(words) == (0 if alike else 3)
    assert ("answers to an item: 3 and 9" in capsys.readouterr().out) is not alike


def lm_eval_votes(folder: Path, model: str, repeats: int, steps: list[dict], score: float) -> None:
    """A results file of lm-eval whose answer to an item is made of several."""
    task, steps = "gsm8k_cot_self_consistency", [{"function": "regex", "regex_pattern": "(-?[0-9]+)"}, *steps]
    config = {"task": task, "output_type": "generate_until", "test_split": "test", "num_fewshot": 8, "repeats": repeats}
    config |= {"metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}]}
    config |= {"filter_list": [{"name": "vote", "filter": steps}], "generation_kwargs": {"temperature": 0.2}}
    document = {
        "results": {task: {"exact_match,vote": score, "exact_match_stderr,vote": 0.01}},
        "configs": {task: config},
        "versions": {task: 3.0},
        "n-shot": {task: 8},
        "n-samples": {task: {"original": 1319, "effective": 1319}},
        "config": {"model": "hf", "model_args": f"pretrained={model}", "limit": None},
        "date": 1_750_000_000.0,
        "lm_eval_version": "0.4.9",
    }
    folder.mkdir(parents=True)
    (folder / "results_2025-06-15T15-06-40.000000.json").write_text(json.dumps(document))


@pytest.mark.parametrize(
    ("steps", "counted"),
    [
        ([{"function": "majority_vote"}, {"function": "take_first"}], (3, 15)),
        ([{"function": "take_first_k", "k": 3}, {"function": "majority_vote"}, {"function": "take_first"}], (3, 3)),
        ([{"function": "take_first"}], (1, 1)),
        ([{"function": "best_of_own"}, {"function": "take_first"}], (3, 15)),
    ],
)
def test_a_vote_of_fifteen_answers_is_no_gain_over_one_of_three(
    tmp_path: Path, capsys: pytest.CaptureFixture, steps: list[dict], counted: tuple[int, int]
) -> None:
    """One model twice: 0.6 of its answers are right, so 0.648 of the votes of 3 and 0.787 of those of 15."""
    for name, repeats, count in zip(("old", "new"), (3, 15), counted, strict=True):
        lm_eval_votes(tmp_path / name, f"me/{name}", repeats, steps, binom.sf(count // 2, count, 0.6))
    words = [str(tmp_path / "old"), str(tmp_path / "new"), "--output-dir", str(tmp_path / "r")]
    assert convert_results.main(words) == 0
    code = compare_results.main(["--baseline", "me/old", "--candidate", "me/new", "--results", str(tmp_path / "r")])
    told = capsys.readouterr().out
    assert ("answers to an item: 3 and 15" in told) is (counted == (3, 15))
    assert code == 3 and ("GO" in told)


def test_gsm8k_of_lighteval_counts_in_a_board_and_its_average(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    for name, gsm, arc in (("a", 0.3, 0.55), ("b", 0.6, 0.5)):
        scores = {"extractive_match": gsm, "extractive_match_stderr": 0.01}
        lighteval_file(
            tmp_path / "in" / name,
            f"acme/{name}",
            {"gsm8k|5": scores, "arc:challenge|0": {"acc": arc, "acc_stderr": 0.01}},
        )
    records, board = str(tmp_path / "out"), str(tmp_path / "board")
    assert convert_results.main([str(tmp_path / "in"), "--output-dir", records]) == 0
    assert leaderboard.main(["collect", "--results", records, "--output-dir", board]) == 0
    capsys.readouterr()
    assert leaderboard.main(["show", "--data", board]) == 0
    assert "acme/b leads by 12.5 points over acme/a" in (out := capsys.readouterr().out) and "average of 2" in out


def ranked_folder(tmp_path: Path, unit: str, metric: str) -> list[str]:
    for name, gsm, arc in (("step_1", 0.3, 0.55), ("step_2", 0.6, 0.5)):
        folder = tmp_path / "run" / name
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}")
        (folder / "model.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
        more = {"samples": False, "n": 1000, "error": 0.01, "details": {"path": str(folder)}}
        write_record(tmp_path / "r", f"run/{name}", [], task="arc_challenge", score=arc, **more)
        write_record(tmp_path / "r", f"run/{name}", [], task="gsm8k", score=gsm, unit=unit, metric=metric, **more)
    return [str(tmp_path / "run"), "--results", str(tmp_path / "r")]


def test_a_benchmark_without_a_unit_leaves_it_open_what_is_best(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    where = ranked_folder(tmp_path, "unknown", "cleverness")
    assert benchmark_calculator.main([*where, "--json"]) == 3
    assert "no record says the unit of gsm8k" in capsys.readouterr().err
    assert benchmark_calculator.main([*where, "--benchmarks", "arc_challenge", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["best"]["name"], document["benchmarks"]) == ("step_1", ["arc_challenge"])


def test_the_error_of_repeats_is_that_of_their_items_means(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    folder = tmp_path / "run" / "step_1"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    details = {"path": str(folder), "weights_sha256": benchmark_calculator.weights_sha256(folder)}
    runs = [[1.0, 0.0] * 50, [1.0, 0.0, 0.0, 1.0] * 24 + [1.0] * 4]
    for scores in runs:
        write_record(tmp_path / "r", "run/step_1", scores, task="gsm8k", error=(0.25 / 99) ** 0.5, details=details)
    assert benchmark_calculator.main([str(folder.parent), "--results", str(tmp_path / "r"), "--json", "--full"]) == 0
    (one,) = json.loads(capsys.readouterr().out)["checkpoints"]
    means = [sum(pair) / 2 for pair in zip(*runs, strict=True)]
    assert one["standard_error"] == pytest.approx((statistics.variance(means) / 100) ** 0.5)


def test_ranked_over_names_what_ranks_and_what_does_not(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    where = ranked_folder(tmp_path, "points", "cleverness")
    assert benchmark_calculator.main([*where, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["benchmarks"] == ["arc_challenge"]
    assert any(line.startswith("ranked over: arc_challenge; NOT over gsm8k (") for line in document["answer"])


@pytest.mark.parametrize("name", ["best", "step-2k"])
def test_a_measured_model_of_the_run_without_a_checkpoints_name_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture, name: str
) -> None:
    """It has all answers right, and step_100 the half of them."""
    for i, (folder, right) in enumerate((("step_100", 100), (name, 200))):
        place = tmp_path / "run" / folder
        place.mkdir(parents=True)
        (place / "config.json").write_text("{}")
        (place / "model.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}" + bytes([i]))
        scores = [float(item < right) for item in range(200)]
        write_record(tmp_path / "r", f"run/{folder}", scores, details={"path": str(place)})
    words = [str(tmp_path / "run"), "--results", str(tmp_path / "r"), "--json"]
    assert benchmark_calculator.main(words) == 3
    assert f"--candidate run/step_100 run/{name} --results" in capsys.readouterr().err
    assert benchmark_calculator.main([*words, "--exclude", name]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["best"]["name"], [one["name"] for one in document["skipped"]]) == ("step_100", [name])
    assert compare_results.main(["--rule", "choose", "--candidate", "run/step_100", f"run/{name}", *words[1:]]) == 0
    assert json.loads(capsys.readouterr().out)["best"] == f"run/{name}"
