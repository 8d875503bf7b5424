"""Night after night: lm-eval into one folder, the model's folder overwritten in between, from the files to the gate."""

from __future__ import annotations

import json
import os
from pathlib import Path

import compare_results as cr
import convert_results as converter
import evaluation_manager as manager
import pytest
from nights import night, night_scores, write_night, write_weights

SIDES = ["--baseline", "models/baseline", "--candidate", "models/candidate"]


def call(capsys, script, *arguments) -> tuple[int, str, str]:
    code = script.main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """A folder with a baseline and thirteen nights of a candidate; the last one is nine points worse."""
    monkeypatch.chdir(tmp_path)
    write_weights(tmp_path / "models/baseline", b"base", night(1))
    write_night(tmp_path / "evals", "models/baseline", night(1, 3), night_scores(0, 0.75))
    for day in range(1, 14):
        write_weights(tmp_path / "models/candidate", f"night {day}".encode(), night(day))
        scores = night_scores(day, 0.6 if day == 13 else 0.75)
        write_night(tmp_path / "evals", "models/candidate", night(day, 3), scores)
    return tmp_path


def converted(capsys, *options) -> dict[str, list[dict]]:
    """The models' details of the records by model, in the order of their dates."""
    code, _, _ = call(capsys, converter, "evals", "--output-dir", "results", *options)
    assert code == 0
    found: dict[str, list[dict]] = {}
    records = [json.loads(path.read_text()) for path in Path("results").rglob("*.json")]
    for record in sorted(records, key=lambda one: one["evaluation_timestamp"]):
        info = record["model_info"]
        found.setdefault(info["id"], []).append(info["additional_details"])
    return found


@pytest.mark.parametrize("options", [[], ["--checkpoints", "models"]])
def test_nights_are_no_repeats(place, options, capsys):
    converted(capsys, *options)
    code, out, err = call(capsys, cr, *SIDES, "--results", "results")
    assert (code, out) == (3, "")
    assert "models/candidate@2026-03-01" in err and "--latest" in err
    code, out, _ = call(capsys, cr, *SIDES, "--results", "results", "--latest", "--json")
    row = json.loads(out)["benchmarks"][0]
    tonight, base = night_scores(13, 0.6), night_scores(0, 0.75)
    assert code == 1 and row["delta"] == pytest.approx((sum(tonight) - sum(base)) / 200)
    code, out, _ = call(capsys, cr, *SIDES[:2], "--candidate", "models/candidate@2026-03-12", "--results", "results")
    assert code != 1


def test_only_the_night_after_the_weights_were_written_has_their_hash(place, capsys):
    with_option = converted(capsys, "--checkpoints", "models")
    assert [bool(one.get("weights_sha256")) for one in with_option["models/candidate"]] == [False] * 12 + [True]
    assert [bool(one.get("weights_sha256")) for one in with_option["models/baseline"]] == [True]
    without = converted(capsys, "--again") if "--again" in converter.build_parser().format_help() else None
    assert without is None or without.keys() == with_option.keys()


def test_a_model_has_one_name_wherever_it_is_converted(place, capsys):
    code, _, err = call(capsys, converter, "evals", "--output-dir", "here")
    assert code == 0 and "--checkpoints" in err
    os.chdir(place / "models")
    call(capsys, converter, "../evals", "--output-dir", place / "there")
    call(capsys, converter, "../evals", "--output-dir", place / "said", "--checkpoints", "../models")
    names = [
        {json.loads(path.read_text())["model_info"]["id"] for path in (place / folder).rglob("*.json")}
        for folder in ("here", "there", "said")
    ]
    assert names == [{"models/baseline", "models/candidate"}] * 3


def test_weights_overwritten_within_seconds_are_no_witness(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for second, content in ((0, b"one"), (20, b"two")):
        write_weights(tmp_path / "models/candidate", content, night(1).replace(second=second))
        when = night(1).replace(second=second + 10)
        write_night(tmp_path / "evals", "models/candidate", when, night_scores(second, 0.7))
    details = converted(capsys, "--checkpoints", "models")["models/candidate"]
    assert ["weights_sha256" in one for one in details] == [False, True]


def test_a_score_that_its_items_contradict_passes_no_gate(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_night(tmp_path / "evals", "models/baseline", night(1), night_scores(1, 0.7))
    write_night(tmp_path / "evals", "models/candidate", night(2), night_scores(2, 0.65), said=0.9)
    assert call(capsys, converter, "evals", "--output-dir", "results")[0] == 1
    code, out, _ = call(capsys, cr, *SIDES, "--results", "results")
    assert code == 3 and "contradicts" in out
    card = tmp_path / "README.md"
    card.write_text("# c\n")
    add = ["add", "--results", "results", "--model-id", "models/candidate", "--repo-id", "me/c", "--card", card]
    code, out, err = call(capsys, manager, *add)
    assert code in (1, 2) and "0.9" not in out and "contradict" in err


def test_samples_that_a_log_promises_and_nobody_has_are_missed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_night(tmp_path / "evals", "models/baseline", night(1), night_scores(1, 0.7))
    path = write_night(tmp_path / "evals", "models/candidate", night(2), night_scores(2, 0.9))
    next(path.parent.glob("samples_*2026-03-02*")).unlink()
    code, _, err = call(capsys, converter, "evals", "--output-dir", "results")
    assert code == 1 and "samples" in err
    code, out, _ = call(capsys, cr, *SIDES, "--results", "results")
    assert code in (0, 3) and "candidate: its samples file is missing" in out and "without samples" in out
