"""Benchmarks of one's own: rankings, cards, gates, policies and boards take them by what their records say."""

from __future__ import annotations

import json
import random
from pathlib import Path

import benchmark_calculator as bc
import compare_results as cr
import evaluation_manager as manager
import leaderboard as board
import pytest
from hypothesis import given
from hypothesis import strategies as st
from record_writer import write_record

CARD = "# Card\n\n| benchmark | score |\n| --- | --- |\n| {} | {{RESULT}} |\n\nAll in all {{RESULT:my_quiz}}.\n"


def scores(seed: int, ability: float, n: int = 120) -> list[float]:
    rng = random.Random(seed)
    return [float(rng.random() < ability) for _ in range(n)]


def results(folder: Path, **options) -> Path:
    for seed, (model, ability) in enumerate((("me/a", 0.5), ("me/b", 0.9))):
        write_record(folder, model, scores(seed, ability), **options)
    return folder


def run_of(folder: Path) -> Path:
    for step in (100, 200):
        place = folder / "run" / f"step_{step}"
        place.mkdir(parents=True)
        (place / "config.json").write_text("{}")
        (place / "model.safetensors").write_bytes(b"x" * step)
        details = {"path": str(place)}
        write_record(folder / "run" / "results", f"run/step_{step}", scores(step, step / 250), details=details)
    return folder / "run"


def collected(folder: Path, capsys, *more: str) -> tuple[int, dict]:
    code = board.main(["collect", "--results", str(folder), "--output-dir", str(folder / "board"), "--json", *more])
    return code, json.loads(capsys.readouterr().out)


def test_a_board_shows_a_benchmark_that_only_records_name(tmp_path, capsys):
    code, metadata = collected(results(tmp_path / "r"), capsys)
    assert code == 0
    assert [(e["key"], e["unit"], e["models"]) for e in metadata["benchmarks"]] == [("my_quiz", "proportion", 2)]
    assert board.main(["show", "--data", str(tmp_path / "r" / "board"), "--benchmark", "My Quiz", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["model"] for row in rows] == ["me/b", "me/a"]


def test_less_is_better_as_the_record_says(tmp_path, capsys):
    collected(results(tmp_path / "r", metric="error_rate", lower=True), capsys)
    board.main(["show", "--data", str(tmp_path / "r" / "board"), "--benchmark", "my_quiz", "--json"])
    assert [row["model"] for row in json.loads(capsys.readouterr().out)["rows"]] == ["me/a", "me/b"]


def test_two_metrics_of_one_name_are_two_benchmarks(tmp_path, capsys):
    folder = results(tmp_path / "r")
    results(folder, metric="f1")
    _, metadata = collected(folder, capsys)
    assert sorted(e["key"] for e in metadata["benchmarks"]) == ["my_quiz (accuracy)", "my_quiz (f1)"]


def test_own_runs_that_are_kept_stay_the_same_benchmark(tmp_path, capsys):
    collected(results(tmp_path / "r"), capsys)
    write_record(tmp_path / "new", "me/c", scores(9, 0.7))
    code, metadata = collected(tmp_path / "new", capsys, "--keep-own-runs", str(tmp_path / "r" / "board"))
    assert code == 0 and [(e["key"], e["models"]) for e in metadata["benchmarks"]] == [("my_quiz", 3)]


def test_a_page_without_a_number_is_no_success(tmp_path, capsys):
    """Without a unit the numbers of two models cannot be compared: nothing is shown, and the exit code says so."""
    code, metadata = collected(results(tmp_path / "r", unit="unknown"), capsys)
    assert code == 1 and metadata["counts"]["apart"] == 2


@pytest.mark.parametrize("name", ["my_quiz", "My Quiz", "My quiz (accuracy)"])
def test_a_card_takes_its_score(tmp_path, name, capsys):
    run, card = run_of(tmp_path), tmp_path / "CARD.md"
    card.write_text(CARD.format(name))
    assert bc.main([str(run), "--prepare", str(tmp_path / "out"), "--card", str(card)]) == 0
    best = scores(200, 0.8)
    shown = f"{sum(best) / len(best):.3f}"
    text = (tmp_path / "out" / "README.md").read_text()
    assert f"| {name} | {shown} |" in text and f"All in all {shown}." in text


ENTRY = {"name": "The quiz", "metric": "acc", "unit": "proportion", "chance": 0.25, "category": "Knowledge retrieval"}


def with_entry(folder: Path, **entry) -> Path:
    (folder / "metric_mapping.json").write_text(json.dumps({"my_quiz": ENTRY | entry}))
    return folder


def test_an_entry_beside_the_records_gives_name_and_category(tmp_path, capsys):
    run = run_of(tmp_path)
    with_entry(run / "results")
    assert bc.main([str(run), "--json", "--full"]) == 0
    ranked = json.loads(capsys.readouterr().out)["checkpoints"][0]
    assert list(ranked["categories"]) == ["knowledge_retrieval"]
    _, metadata = collected(with_entry(results(tmp_path / "r")), capsys)
    assert [(e["name"], e["category"], e["chance"]) for e in metadata["benchmarks"]] == [
        ("The quiz", "knowledge_retrieval", 0.25)
    ]


def test_the_number_of_items_tells_a_part_from_the_whole(tmp_path, capsys):
    with_entry(results(tmp_path / "r"), items=300)
    code, metadata = collected(tmp_path / "r", capsys)
    assert code == 1 and "120 of 300" in next(iter(metadata["apart"]))
    source = ["add", "--results", str(tmp_path / "r"), "--model-id", "me/a", "--repo-id", "me/a"]
    card = tmp_path / "README.md"
    card.write_text("# a\n")
    assert manager.main([*source, "--card", str(card)]) == 2
    assert "120 of 300" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"mmlu": {"lower_is_better": True}}, "mmlu already"),
        ({"mine": {"aliases": ["MMLU-Pro"]}}, "mmlu_pro already"),
        ({"mine": {"category": "math_reasonin"}}, "did you mean math_reasoning"),
        ({"mine": {"chance": 0.25}}, "in which unit"),
        ({"mine": {"chance": 25, "unit": "proportion"}}, "outside the range"),
        ({"mine": {"metrik": "acc"}}, "did you mean metric"),
        ({"mine": {"range": [0]}}, "two numbers"),
        ({"mine": {"items": "many"}}, "whole number"),
        ({"a": {"name": "x"}, "b": {"name": "X"}}, "is a already"),
        (["my_quiz"], "is expected"),
    ],
)
def test_entries_add_and_never_change(tmp_path, entries, said, capsys):
    results(tmp_path / "r")
    own = tmp_path / "own.json"
    own.write_text(json.dumps(entries))
    assert board.main(["collect", "--results", str(tmp_path / "r"), "--mapping", str(own), "--dry-run"]) == 2
    assert said in capsys.readouterr().err


def test_a_copy_of_the_vocabulary_changes_nothing(tmp_path, capsys):
    folder = results(tmp_path / "r")
    (folder / "metric_mapping.json").write_text(board.MAPPING_FILE.read_text())
    assert collected(folder, capsys)[0] == 0


def test_a_direction_that_record_and_entry_dispute_is_no_score(tmp_path, capsys):
    with_entry(results(tmp_path / "r"), lower_is_better=True)
    arguments = ["--baseline", "me/a", "--candidate", "me/b", "--results", str(tmp_path / "r")]
    assert cr.main(arguments) == 2
    assert "less is better by its entry" in capsys.readouterr().err


def several_metrics(folder: Path) -> Path:
    results(folder, metric="acc,none")
    return results(folder, metric="acc_norm,none")


@pytest.mark.parametrize("spelled", ["acc", "acc,none", "accuracy", "ACC"])
def test_one_spelling_everywhere(tmp_path, spelled, capsys):
    """A policy, and --result-id with and without shots, take the spellings of one metric; which one was, is said."""
    folder = several_metrics(tmp_path / "r")
    base = ["--baseline", "me/a", "--candidate", "me/b", "--results", str(folder)]
    assert cr.main(base) == 3
    capsys.readouterr()
    policy = tmp_path / "policy.yaml"
    policy.write_text(json.dumps({"benchmarks": {"My Quiz": {"metric": spelled}}}))
    for option in (["--policy", str(policy)], ["--result-id", f"my_quiz/{spelled}"]):
        assert cr.main([*base, *option, "--json"]) == 0
        out, err = capsys.readouterr()
        assert json.loads(out)["benchmarks"][0]["metric"] == "acc,none"
        assert spelled == "acc,none" or "my_quiz|0/acc,none" in err


def test_a_result_id_that_nothing_has_is_refused(tmp_path, capsys):
    base = ["--baseline", "me/a", "--candidate", "me/b", "--results", str(results(tmp_path / "r"))]
    assert cr.main([*base, "--result-id", "my_quiz/f1"]) == 2
    assert "my_quiz|0/accuracy" in capsys.readouterr().err


@given(st.text(alphabet="abcdefgh_ ,@1-", min_size=1, max_size=12))
def test_spellings_are_an_equivalence(name):
    assert cr.same_metric(name, name.upper()) and cr.same_metric(name, name.replace("pass@", "pass_at_"))
    base = name.partition(",")[0]
    assert cr.same_metric(base, f"{base},none") and not cr.same_metric(base, f"{base},other")


# --- A vocabulary that came with the records of one side ---


def two_sides(folder: Path, **options) -> tuple[Path, Path]:
    """A baseline and a candidate that is worse, each in a folder of its own."""
    for place, model, ability in (("base", "me/a", 0.9), ("cand", "ev/b", 0.5)):
        write_record(folder / place, model, scores(len(place), ability, 400), **options)
    return folder / "base", folder / "cand"


DECIDES = {
    "a metric": {"metric": "f1", "unit": "proportion"},
    "a direction": {"lower_is_better": True},
    "a name": {"name": "Quiz", "aliases": ["other_quiz"]},
}


@pytest.mark.parametrize("said", DECIDES.values(), ids=DECIDES)
@pytest.mark.parametrize("side", ["base", "cand"])
def test_a_file_beside_one_side_decides_nothing_for_the_other(tmp_path, said, side, capsys):
    sides = two_sides(tmp_path, metric_details={"direction": "unknown"} if "lower_is_better" in said else None)
    two_sides(tmp_path, metric="f1") if "metric" in said else None
    command = ["--baseline", str(sides[0]), "--candidate", str(sides[1])]
    before = cr.main(command)
    path = tmp_path / side / "metric_mapping.json"
    path.write_text(json.dumps({"my_quiz": said}))
    capsys.readouterr()
    assert cr.main(command) == 3
    captured = capsys.readouterr()
    assert not captured.out and f"--mapping {path}" in captured.err and before in (1, 3)
    cr.main([*command, "--mapping", str(path)])
    told = [f"metric {said['metric']}"] if "metric" in said else ["less is better"] if len(said) == 1 else ["my_quiz"]
    assert told[0] in capsys.readouterr().err


def test_the_same_file_beside_both_sides_is_read(tmp_path, capsys):
    sides = two_sides(tmp_path)
    for side in sides:
        with_entry(side)
    assert cr.main(["--baseline", str(sides[0]), "--candidate", str(sides[1])]) == 1
    assert "my_quiz (metric acc, unit proportion, chance 0.25, category knowledge_retrieval)" in capsys.readouterr().err


# What an entry among many others may decide without its name being looked at, and how it is said.
QUIET = {
    "an alias": ({"aliases": ["my_quiz"]}, "also called my_quiz"),
    "a direction": ({"aliases": ["my_quiz"], "lower_is_better": True}, "less is better"),
    "a unit": ({"aliases": ["my_quiz"], "unit": "proportion"}, "unit proportion"),
    "a range": ({"aliases": ["my_quiz"], "range": [0, 1]}, "range 0 to 1"),
    "a category": ({"aliases": ["my_quiz"], "category": "math_reasoning"}, "category math_reasoning"),
}


@pytest.mark.parametrize("many", [11, 60])
@pytest.mark.parametrize(("entry", "said"), QUIET.values(), ids=QUIET)
def test_what_the_last_of_many_entries_decides_is_said_with_the_answer(tmp_path, entry, said, many, capsys):
    sides = two_sides(tmp_path, metric_details={"direction": "unknown"} if "lower_is_better" in entry else None)
    own = tmp_path / "own.json"
    own.write_text(json.dumps({f"quiz_{i:02}": {"unit": "points"} for i in range(many - 1)} | {"zzz": entry}))
    command = ["--baseline", str(sides[0]), "--candidate", str(sides[1]), "--mapping", str(own), "--json"]
    code = cr.main([*command, "--report", str(tmp_path / "report.md")])
    captured = capsys.readouterr()
    assert code in (0, 1, 3) and f"own.json, {many} new: " in captured.err
    told = [line for line in json.loads(captured.out)["warnings"] if line.startswith("zzz is a benchmark of one's own")]
    assert len(told) == 1 and said in told[0] and "own.json" in told[0]
    assert said in (tmp_path / "report.md").read_text()
    assert (said in captured.err) == (many <= 50)  # before anything is read


def test_an_entry_that_decides_goes_where_the_number_goes(tmp_path, capsys):
    folder = results(tmp_path / "r")
    (folder / "metric_mapping.json").write_text(json.dumps({"zzz": {"aliases": ["my_quiz"], "unit": "proportion"}}))
    _, metadata = collected(folder, capsys)
    assert [e["own_entry"] for e in metadata["benchmarks"]] == [
        "unit proportion, also called my_quiz (says r/metric_mapping.json)"
    ]
    card = tmp_path / "README.md"
    card.write_text("# a\n")
    argv = ["add", "--results", str(folder), "--model-id", "me/a", "--repo-id", "me/a", "--card", str(card), "--json"]
    manager.main([*argv, "--output", str(tmp_path / "plan.json")])
    assert "also called my_quiz" in (tmp_path / "plan.json").read_text()
    run = run_of(tmp_path)
    (run / "results" / "metric_mapping.json").write_text(json.dumps({"zzz": {"aliases": ["my_quiz"]}}))
    capsys.readouterr()
    bc.main([str(run), "--json", "--report", str(tmp_path / "ranking.md")])
    assert any("also called my_quiz" in line for line in json.loads(capsys.readouterr().out)["notes"])
    assert "also called" in (tmp_path / "ranking.md").read_text()


TAKEN = {
    "a task's name in a harness": {"quiz": {"lm_eval": "gsm8k"}},
    "a task of a harness, with its owner": {"quiz": {"inspect": "inspect_evals/gsm8k"}},
    "a task that is cut": {"quiz": {"aliases": ["gsm8k:hard"]}},
    "a suite before it": {"quiz": {"lighteval": "leaderboard|gsm8k|5"}},
    "an owner before it": {"quiz": {"name": "openai/gsm8k"}},
    "a part of a group": {"quiz": {"aliases": ["mmlu_anatomy"]}},
    "two that share a task": {"one": {"lm_eval": "same_quiz"}, "two": {"lm_eval": "same_quiz"}},
}


@pytest.mark.parametrize("entries", TAKEN.values(), ids=TAKEN)
def test_an_own_benchmark_takes_no_task_of_another(tmp_path, entries, capsys):
    folder = results(tmp_path / "r", task="gsm8k", metric="exact_match", library=("lm_eval", "0.4.9"))
    (folder / "metric_mapping.json").write_text(json.dumps(entries))
    assert cr.main(["--baseline", "me/a", "--candidate", "me/b", "--results", str(folder)]) == 2
    assert "another name" in capsys.readouterr().err
