"""What a person would say of scores before believing them, said where the table is."""

from __future__ import annotations

import json
import random
from pathlib import Path

import benchmark_calculator as bc
import compare_results as cr
import pytest
from nights import night, write_weights
from record_writer import sample_row, write_record


def choices(seed: int, ability: float, n: int = 200) -> list[dict]:
    """Answers to questions of four choices, which the items themselves show."""
    rng = random.Random(seed)
    rows = []
    for i in range(n):
        row = sample_row(i, float(rng.random() < ability))
        row["input"]["choices"] = ["a", "b", "c", "d"]
        rows.append(row)
    return rows


def quiz(folder: Path, model: str, seed: int, ability: float, n: int = 200, **options) -> None:
    rows = choices(seed, ability, n)
    scores = [row["evaluation"]["score"] for row in rows]
    write_record(folder, model, scores, rows=rows, **options)


def run_of(folder: Path, abilities: dict[int, float], n: int = 200, **options) -> Path:
    for step, ability in abilities.items():
        place = folder / "run" / f"step_{step}"
        write_weights(place, f"step {step}".encode(), night(1))
        details = {"path": str(place)} | options.pop("details", {})
        quiz(folder / "run" / "results", f"run/step_{step}", step, ability, n, details=details, **options)
    return folder / "run"


def said(capsys, script, *arguments) -> tuple[int, str]:
    code = script.main([str(argument) for argument in arguments])
    return code, capsys.readouterr().out


def compared(capsys, folder: Path, *more) -> tuple[int, str]:
    return said(capsys, cr, "--baseline", "me/a", "--candidate", "me/b", "--results", folder, *more)


def test_near_chance_for_all(tmp_path, capsys):
    for i, model in enumerate(("me/a", "me/b")):
        quiz(tmp_path, model, i, 0.24)
    assert "my_quiz: near chance for all" in compared(capsys, tmp_path)[1]
    assert "near chance for all" in said(capsys, bc, run_of(tmp_path / "x", {1: 0.24, 2: 0.27}))[1]


def test_one_that_knows_something_is_enough(tmp_path, capsys):
    for i, (model, ability) in enumerate((("me/a", 0.24), ("me/b", 0.5))):
        quiz(tmp_path, model, i, ability)
    assert "near chance" not in compared(capsys, tmp_path)[1]
    assert "near chance" not in said(capsys, bc, run_of(tmp_path / "x", {1: 0.24, 2: 0.5}))[1]


WHOLE = {"source": {"additional_details": {"samples_number": "120"}}}


def test_a_part_of_the_items_is_never_best_without_a_word(tmp_path, capsys):
    _, out = said(capsys, bc, run_of(tmp_path, {1: 0.4, 2: 0.9}, 10, **WHOLE))
    assert "step_2 (best)" not in out and "best: step" not in out
    assert "first: step_2" in out and "over 10 of 120 items, a smoke test and no score: my_quiz" in out
    for i, model in enumerate(("me/a", "me/b")):
        quiz(tmp_path / "c", model, i, 0.5 + 0.4 * i, 10, **WHOLE)
    assert "warning: over 10 of 120 items" in compared(capsys, tmp_path / "c")[1]


@pytest.mark.parametrize(
    ("settings", "size", "part"),
    [
        ({"additional_details": {"limit": "40"}}, 40, "40 of 1319 items"),
        ({"generation_args": {"limit": 40}}, None, "limit 40"),
        ({"additional_details": {"max_samples": "40.0"}}, 1319, "40 of 1319 items"),
        ({"additional_details": {"command": "lm_eval --tasks gsm8k --limit=0.1"}}, None, "limit 0.1"),
        ({"additional_details": {"command": "lm_eval -L 40 --tasks gsm8k"}}, 1319, "40 of 1319 items"),
        ({"additional_details": {"limit": "2000"}}, 1319, ""),
        ({"additional_details": {"limit": "2000"}}, None, ""),
        ({"additional_details": {"limit": "None"}}, 40, ""),
        ({"additional_details": {"command": "lm_eval --tasks gsm8k"}}, None, ""),
    ],
)
def test_a_smoke_test_of_summaries_gates_nothing(tmp_path, capsys, settings, size, part):
    for model, score, more in (("me/a", 0.5, {}), ("me/b", 0.9, settings)):
        record = {
            "schema_version": "0.3.0", "evaluation_id": f"gsm8k/{model}/1", "retrieved_timestamp": "1796005914",
            "source_metadata": {"source_type": "evaluation_run", "evaluator_relationship": "third_party",
                                "source_organization_name": "me"},
            "model_info": {"name": model, "id": model}, "eval_library": {"name": "lm-eval", "version": "0.4.9"},
            "evaluation_results": [{
                "evaluation_name": "gsm8k", "evaluation_result_id": "gsm8k|5/exact_match",
                "source_data": {"dataset_name": "gsm8k", "source_type": "hf_dataset"}
                | ({"samples_number": size} if size and more else {}),
                "metric_config": {"metric_id": "exact_match", "metric_unit": "proportion", "lower_is_better": False,
                                  "min_score": 0.0, "max_score": 1.0},
                "score_details": {"score": score, "uncertainty": {"standard_error": {"value": 0.02}}},
                "generation_config": more,
            }],
        }  # fmt: skip
        path = tmp_path / f"data/gsm8k/{model}/00000000-0000-4000-8000-00000000000{model[-1]}.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(record))
    code, out = compared(capsys, tmp_path)
    assert code == (3 if part else 0) and (f"over {part}, a smoke test and no score" in out) == bool(part), out
    assert ("no score: gsm8k of me/b" in out) == bool(part)


def test_the_whole_is_best(tmp_path, capsys):
    _, out = said(capsys, bc, run_of(tmp_path, {1: 0.4, 2: 0.9}, 120, **WHOLE))
    assert "step_2 (best)" in out and "smoke test" not in out


def test_only_one_of_seven_is_measured(tmp_path, capsys):
    run = run_of(tmp_path, {3: 0.9})
    for step in (1, 2, 4, 5, 6, 7):
        write_weights(run / f"step_{step}", b"unmeasured", night(1))
    code, out = said(capsys, bc, run)
    assert code == 0 and "only step_3 of 7 checkpoints is measured" in out


@pytest.mark.parametrize(("ability", "differ"), [(0.8, False), (0.7, True)])
def test_the_same_weights_on_both_sides_of_a_gate(tmp_path, capsys, ability, differ):
    same = {"weights_sha256": "5" * 64}
    quiz(tmp_path, "me/a", 1, 0.8, details=same)
    quiz(tmp_path, "me/b", 1, ability, details=same)
    out = compared(capsys, tmp_path)[1]
    assert "are the same weights: a wrong path?" in out and ("their scores differ" in out) == differ


def test_a_samples_file_that_was_deleted(tmp_path, capsys):
    for i, model in enumerate(("me/a", "me/b")):
        quiz(tmp_path, model, i, 0.8)
    next((tmp_path / "data/my_quiz/me/b").glob("*_samples.jsonl")).unlink()
    code, out = compared(capsys, tmp_path)
    assert code == 3 and "its samples are missing" in out
