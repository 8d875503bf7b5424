"""A harness's own row of a group is held against its parts, and a contradiction is used by nobody."""

from __future__ import annotations

import json
from pathlib import Path

import compare_results as cr
import convert_results as converter
import evaluation_manager as manager
import leaderboard as board
import pytest

MAPPING = manager.read_mapping()
SIZES = {"murder_mysteries": 250, "object_placements": 256, "team_allocation": 250}
SCORES = {"murder_mysteries": 0.6, "object_placements": 0.3, "team_allocation": 0.4}
BY_ITEMS = sum(SIZES[name] * SCORES[name] for name in SIZES) / sum(SIZES.values())
ONCE = sum(SCORES.values()) / len(SCORES)


def results_file(folder: Path, row: float, model: str = "me/new", nested: bool = False) -> Path:
    """A results file of lm-eval with leaderboard_musr as a group, and perhaps a group above it."""
    tasks = {f"leaderboard_musr_{name}": value for name, value in SCORES.items()}
    groups = {"leaderboard_musr": {"acc_norm,none": row, "acc_norm_stderr,none": 0.02, "alias": "musr"}}
    subtasks = {"leaderboard_musr": list(tasks)}
    if nested:
        groups["leaderboard"] = {"acc_norm,none": row, "alias": "leaderboard"}
        subtasks["leaderboard"] = ["leaderboard_musr"]
    document = {
        "results": {
            **{name: {"acc_norm,none": value, "acc_norm_stderr,none": 0.03} for name, value in tasks.items()},
            **groups,
        },
        "groups": groups,
        "group_subtasks": subtasks,
        "configs": {
            name: {"task": name, "output_type": "multiple_choice", "test_split": "test", "num_fewshot": 0,
                   "metric_list": [{"metric": "acc_norm", "aggregation": "mean", "higher_is_better": True}]}
            for name in tasks
        },
        "versions": dict.fromkeys(tasks, 1.0),
        "n-shot": dict.fromkeys(tasks, 0),
        "n-samples": {name: {"original": SIZES[name[17:]], "effective": SIZES[name[17:]]} for name in tasks},
        "config": {"model": "hf", "model_args": f"pretrained={model}", "limit": None},
        "date": 1_750_000_000.0,
        "lm_eval_version": "0.4.9",
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "results_2025-06-15T15-06-40.000000.json"
    path.write_text(json.dumps(document))
    return path


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("row", [BY_ITEMS, ONCE])
def test_a_row_that_its_parts_make_is_no_conflict(tmp_path, capsys, row, nested):
    path = results_file(tmp_path / "in", row, nested=nested)
    assert converter.main([str(path), "--output-dir", str(tmp_path / "out"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["failures"] == []
    (entry,), _ = manager.read_entries([tmp_path / "out"], "me/new", "me/new", [], MAPPING)
    assert entry.value == pytest.approx(BY_ITEMS)


def test_a_row_that_its_parts_contradict_is_kept_as_a_conflict_and_used_by_nobody(tmp_path, capsys):
    for model, row in (("me/old", BY_ITEMS), ("me/new", 0.55)):
        path = results_file(tmp_path / model.replace("/", "_"), row, model)
        code = converter.main([str(path), "--output-dir", str(tmp_path / "out"), "--json"])
        failures = [failure["reason"] for failure in json.loads(capsys.readouterr().out)["failures"]]
        assert code == (0 if model == "me/old" else 1)
    (reason,) = failures
    assert "the file's own row of leaderboard_musr says 0.55, its 3 tasks make 0.432" in reason
    with pytest.raises(manager.ScriptError, match="its score contradicts") as refused:
        manager.read_entries([tmp_path / "out"], "me/new", "me/new", [], MAPPING)
    assert refused.value.code == 1
    rows, _ = board.read_own_runs([str(tmp_path / "out")], board.Benchmarks.of(MAPPING))
    shown = {row["model"] for row in rows if row["why_not"] is None}
    assert shown == {"me/old"}
    arguments = ["--baseline", "me/old", "--candidate", "me/new", "--results", str(tmp_path / "out"), "--json"]
    assert cr.main(arguments) == 3
    (compared,) = json.loads(capsys.readouterr().out)["benchmarks"]
    assert compared["verdict"] == "NOT COMPARABLE"
