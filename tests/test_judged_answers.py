"""Answers that an evaluation kept, scored anew by a judge: the same items, prompts and weights, another score."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import benchmark_calculator as calculator
import compare_results as cr
import pytest
import score_predictions as sp
from record_writer import sample_row, write_record
from test_score_predictions import checked

RESULTS = Path(__file__).resolve().parent.parent / "examples/tiny_run/results"
JUDGE = """
UNIT, MIN_SCORE, MAX_SCORE = "proportion", 0, 1
GRADER_MODEL = "acme/judge-1"
GRADER_SETTINGS = {"temperature": 0, "prompt": "Is it right?"}

def grade(row):
    said, right = row["prediction"].strip(), row["references"][0].strip()
    return None if said == "" else float(said.lower() == right.lower()) if len(right) > 3 else 0.5
"""


def measured(step: int) -> Path:
    (path,) = RESULTS.glob(f"data/instruction_following/tiny_run/step_{step}/*-*[0-9a-f].json")
    return path


def lines(record: Path) -> list[dict]:
    return [json.loads(line) for line in record.with_name(f"{record.stem}_samples.jsonl").read_text().splitlines()]


def judged(place: Path, step: int, judge: str = JUDGE, code: int = 0) -> Path:
    file = place / "judge.py"
    file.write_text(judge)
    output = place / f"out{len(list(place.glob('out*')))}"
    assert sp.main([str(measured(step)), "--custom-metric", str(file), "--output-dir", str(output)]) == code
    (path,) = output.glob("data/instruction_following/tiny_run/*/*-*[0-9a-f].json")
    return path


def test_a_judge_scores_what_an_evaluation_kept(tmp_path, capsys):
    old, new = (json.loads(path.read_text()) for path in (measured(700), judged(tmp_path, 700)))
    assert new["model_info"] == old["model_info"] and new["model_info"]["additional_details"]["weights_sha256"]
    assert new["evaluation_timestamp"] == old["evaluation_timestamp"]
    (before,), (after,) = old["evaluation_results"], new["evaluation_results"]
    assert after["source_data"] == before["source_data"] and after["evaluation_result_id"].endswith("|0/judge")
    settings = before["generation_config"]["additional_details"]
    assert settings.items() <= after["generation_config"]["additional_details"].items()
    parameters = after["metric_config"]["metric_parameters"]
    assert parameters["grader_model"] == "acme/judge-1" and '"temperature": 0' in parameters["grader_settings"]
    assert new["eval_library"]["additional_details"]["answers_by"] == "lighteval 0.13.0"
    assert "settings_hash" not in new["eval_library"]["additional_details"]  # it is not the evaluation that was asked
    path = next(tmp_path.glob("out0/data/*/*/*/*[0-9a-f].json"))
    rows = {row["sample_id"]: row for row in lines(path)}
    wanted = []
    for row in lines(measured(700)):
        again = rows[row["sample_id"]]
        assert (again["sample_hash"], again["input"], again["output"]) == (
            row["sample_hash"], row["input"], row["output"]
        )  # fmt: skip
        assert again["metadata"]["prompt_hash"] == row["metadata"]["prompt_hash"]
        said, right = row["output"]["raw"][0].strip(), row["input"]["reference"][0].strip()
        wanted.append(float(said.lower() == right.lower()) if len(right) > 3 else 0.5)
    assert len(rows) == 100 and after["score_details"]["score"] == pytest.approx(sum(wanted) / 100)
    checked(tmp_path / "out0")


def test_judged_answers_gate_and_rank(tmp_path, capsys):
    place = tmp_path / "both"
    for step in (700, 1000):
        shutil.copytree(judged(tmp_path, step).parents[4], place, dirs_exist_ok=True)
    capsys.readouterr()
    sides = ["--baseline", "step_700", "--candidate", "step_1000", "--results", str(place), "--json"]
    code = cr.main(sides)
    (row,) = json.loads(capsys.readouterr().out)["benchmarks"]
    scores = {
        step: json.loads(next(place.glob(f"data/*/*/step_{step}/*[0-9a-f].json")).read_text()) for step in (700, 1000)
    }
    values = [scores[step]["evaluation_results"][0]["score_details"]["score"] for step in (700, 1000)]
    assert (row["verdict"], code, row["n"]) == ("NO-GO", 1, 100)
    assert row["delta"] == pytest.approx(values[1] - values[0]) and row["delta"] < -0.1
    code = calculator.main([str(RESULTS.parent / "checkpoints"), "--results", str(place), "--json", "--full"])
    found = json.loads(capsys.readouterr().out)
    ranked = {one["name"]: one["eval_accuracy"] for one in found["checkpoints"] if one["eval_accuracy"] is not None}
    assert ranked == pytest.approx({"step_700": values[0], "step_1000": values[1]})


def test_other_judges_are_not_compared(tmp_path, capsys):
    place = tmp_path / "both"
    for step, judge in ((700, JUDGE), (1000, JUDGE.replace('"temperature": 0', '"temperature": 1'))):
        shutil.copytree(judged(tmp_path, step, judge).parents[4], place, dirs_exist_ok=True)
    capsys.readouterr()
    code = cr.main(["--baseline", "step_700", "--candidate", "step_1000", "--results", str(place), "--json"])
    document = json.loads(capsys.readouterr().out)
    assert (code, document["reason"]) == (3, "not_comparable")


def test_repeats_of_an_item_stay_repeats(tmp_path, capsys):
    """Two answers to each of forty items: attempts of one item, whatever told them apart before."""
    (tmp_path / "judge.py").write_text(JUDGE.replace(".lower()", "").replace("len(right) > 3", "True"))
    for model, better in (("me/a", 0), ("me/b", 1)):
        rows = []
        for i in range(40):
            for epoch in (1, 2):
                right = i % 4 < 2 + better and (epoch == 1 or i % 2)
                row = sample_row(i, float(right), metadata=lambda _, e=epoch: {"epoch": str(e), "passage_id": "p"})
                rows.append(row | {"output": {"raw": ["1" if right else "2"]}})
        scores = [row["evaluation"]["score"] for row in rows]
        path = write_record(tmp_path / "answers", model, scores, rows=rows, settings={"repeats": "2"})
        words = [str(path), "--custom-metric", str(tmp_path / "judge.py"), "--output-dir", str(tmp_path / "judged")]
        assert sp.main(words) == 0
    for path in (tmp_path / "judged").glob("data/*/*/*/*_samples.jsonl"):
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        assert len({(row["sample_id"], row["metadata"]["attempt"]) for row in rows}) == len(rows) == 80
        assert not any("epoch" in row["metadata"] for row in rows)
    capsys.readouterr()
    for folder in ("answers", "judged"):
        cr.main(["--baseline", "me/a", "--candidate", "me/b", "--results", str(tmp_path / folder), "--json"])
        (row,) = json.loads(capsys.readouterr().out)["benchmarks"]
        assert row["n"] == 40 and row["delta"] == pytest.approx(10 * 1 / 80)


def test_what_a_record_says_is_not_said_again(tmp_path, capsys):
    (tmp_path / "judge.py").write_text(JUDGE)
    words = [str(measured(700)), "--custom-metric", str(tmp_path / "judge.py"), "--output-dir", str(tmp_path / "out")]
    assert sp.main([*words, "--model-id", "me/other"]) == 2
    assert "--model-id: " in capsys.readouterr().err
    alone = tmp_path / measured(700).name
    shutil.copy(measured(700), alone)
    assert sp.main([str(alone), *words[1:]]) == 2
    assert "a record without its answers" in capsys.readouterr().err
    (tmp_path / "judge.py").write_text(JUDGE.replace("GRADER_MODEL", "MODEL"))
    assert sp.main(words) == 2 and "GRADER_SETTINGS without GRADER_MODEL" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_lines_of_samples_name_their_record(tmp_path, capsys):
    (tmp_path / "judge.py").write_text(JUDGE)
    samples = measured(700).with_name(f"{measured(700).stem}_samples.jsonl")
    assert sp.main([str(samples), "--custom-metric", str(tmp_path / "judge.py"), "--dry-run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["model_id"] == "tiny_run/step_700"
