"""`add` from records of Every Eval Ever that others wrote: without units, named after scorers, of an older schema."""

from __future__ import annotations

import json
from pathlib import Path

import evaluation_manager as manager
import pytest
import yaml
from local_hub import LocalHub
from test_leaderboard_elsewhere import put, record

MODEL = "lab/foo"


def model_index(
    hub: LocalHub, capsys: pytest.CaptureFixture[str], root: Path, whole: dict, *argv: str
) -> tuple[int, list[dict], str]:
    """Publishes one record: (exit status, the results in the proposed card, what was said)."""
    put(root, whole)
    ask = ("add", "--repo-id", MODEL, "--results", str(root / "data"), "--format", "model-index", "--create-pr")
    code = manager.main([*ask, *argv])
    said = capsys.readouterr()
    if code or not hub.pull_requests(MODEL):
        return code, [], said.out + said.err
    card = hub.files(MODEL, revision="refs/pr/1")["README.md"]
    text = card.decode() if isinstance(card, bytes) else card
    return code, yaml.safe_load(text.split("---")[1])["model-index"][0]["results"], said.out + said.err


@pytest.fixture
def site(hub: LocalHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> LocalHub:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_TOKEN", hub.add_user("lab"))
    hub.create_repo(MODEL, files={"README.md": "---\nlicense: mit\n---\n# Foo\n"})
    return hub


PROPORTION = {"metric_id": "accuracy"}
PERCENT = {"metric_id": "accuracy", "max_score": 100}
CASES = {
    "bounds of a proportion": ({}, 0.5),
    "bounds of a percentage": ({"score": 62.5, "metric": {"max_score": 100}}, 62.5),
    "a unit": ({"score": 62.5, "metric": {"metric_unit": "percent", "max_score": 100}}, 62.5),
    "a scorer's name": ({"evaluation_name": "choice"}, 0.5),
    "a metric's name": ({"evaluation_name": "accuracy", "metric": PROPORTION}, 0.5),
    "a metric's name, in percent": ({"evaluation_name": "accuracy", "score": 62.5, "metric": PERCENT}, 62.5),
}


@pytest.mark.parametrize("case", CASES)
def test_unit_and_benchmark(case: str, site: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    changes, value = CASES[case]
    code, results, said = model_index(site, capsys, tmp_path, record(**changes))
    assert code == 0, said
    assert [(r["dataset"]["type"], r["metrics"][0]["value"]) for r in results] == [("TIGER-Lab/MMLU-Pro", value)]
    assert "choice" not in json.dumps(results)


@pytest.mark.parametrize("case", CASES)
def test_scale_of_the_leaderboard(
    case: str, site: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    changes, value = CASES[case]
    site.create_benchmark("TIGER-Lab/MMLU-Pro", ["mmlu_pro"])
    for number, other in enumerate((38.2, 66.9, 70.4)):
        row = [{"dataset": {"id": "TIGER-Lab/MMLU-Pro", "task_id": "mmlu_pro"}, "value": other}]
        site.create_repo(f"others/{number}", files={".eval_results/mmlu_pro.yaml": yaml.safe_dump(row)})
    put(tmp_path, record(**changes))
    ask = ("add", "--repo-id", MODEL, "--results", str(tmp_path / "data"), "--format", "eval-results", "--create-pr")
    code, said = manager.main([*ask, "--scale", "percent"]), capsys.readouterr()
    files = {n: t for n, t in site.files(MODEL, revision="refs/pr/1").items() if n.startswith(".eval_results/")}
    assert code == 0, said.err
    (row,) = yaml.safe_load(next(iter(files.values())))
    assert (row["dataset"]["id"], row["value"]) == ("TIGER-Lab/MMLU-Pro", 62.5 if value == 62.5 else 50)


@pytest.mark.parametrize("score", [0.5, 62.5])
def test_unit_is_never_the_benchmark_s(
    score: float, site: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Neither unit nor bounds: what is written is the number itself, or nothing."""
    whole = record(score=score, metric={"min_score": None, "max_score": None, "metric_unit": "unknown"})
    code, results, said = model_index(site, capsys, tmp_path, whole)
    assert [r["metrics"][0]["value"] for r in results] in ([], [score]), said
    assert code in (0, 3) and (code or results), said


UNITLESS = {"min_score": None, "max_score": None}


def test_a_score_without_a_unit_is_left_out_and_the_others_go_on(
    site: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    put(tmp_path, record(score=62.5, metric=UNITLESS))
    code, results, said = model_index(site, capsys, tmp_path, record(evaluation_name="gsm8k", score=0.75))
    assert code == 3 and "62.5" in said and "names no unit" in said and results == []
    proposed = site.files(MODEL, revision="refs/pr/1")["README.md"].decode()
    (result,) = yaml.safe_load(proposed.split("---")[1])["model-index"][0]["results"]
    assert result["metrics"][0]["value"] == 0.75
    ask = ["add", "--repo-id", MODEL, "--results", str(tmp_path / "data"), "--format", "model-index"]
    assert manager.main([*ask, "--benchmark", "gsm8k"]) == 0
    assert manager.main([*ask, "--benchmark", "mmlu_pro"]) == 3


def test_unknown_benchmark_is_called_what_its_data_is(
    site: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    source = {"dataset_name": "Pelican Riddles", "source_type": "other"}
    code, results, said = model_index(site, capsys, tmp_path, record(evaluation_name="choice", source_data=source))
    assert code == 0 and results[0]["dataset"]["name"] == "Pelican Riddles", said
    assert "choice" not in json.dumps(results)


def test_record_of_an_older_schema_names_the_way(
    site: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, _, said = model_index(site, capsys, tmp_path, record(version="0.2.2"))
    assert code == 1 and "scripts/convert_results.py FILE" in said and "0.2.2" in said
