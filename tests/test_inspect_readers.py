"""What ranking, comparison, publishing and leaderboard make of logs that inspect-ai's own `eval` has written."""

from __future__ import annotations

import json
from pathlib import Path

import benchmark_calculator as bc
import compare_results as cr
import evaluation_manager as manager
import leaderboard as board
import pytest
from test_convert_results import convert
from test_inspect_conversion import logs  # noqa: F401  the fixture
from test_records import checkpoints

MAPPING = manager.read_mapping()


class Readers:
    """Logs converted as of two checkpoints, step_1 and step_2, and what each reader says of them."""

    def __init__(self, made: Path, folder: Path, capsys) -> None:
        self.logs, self.capsys = made, capsys
        self.root = checkpoints(folder / "run", "step_1", "step_2")
        self.results = folder / "results"

    def read(self, case: str, step: str = "step_2") -> list[Path]:
        """The records of a case, bound to a checkpoint."""
        output = self.results / step / str(len(list(self.results.rglob("*.json"))))
        convert(self.logs / case, output=output, options=["--model-id", f"run/{step}"])
        paths = [path for path in output.rglob("*.json") if not path.name.endswith("_failure.json")]
        for path in paths:
            record = json.loads(path.read_text())
            record["model_info"].setdefault("additional_details", {})["path"] = str(self.root / step)
            path.write_text(json.dumps(record))
        self.capsys.readouterr()
        return paths

    def call(self, script, *arguments) -> tuple[int, dict, str]:
        code = script.main([str(argument) for argument in arguments])
        captured = self.capsys.readouterr()
        return code, json.loads(captured.out) if captured.out.startswith("{") else {}, captured.err

    def compare(self, *more) -> tuple[int, dict, str]:
        names = ("--baseline", "run/step_1", "--candidate", "run/step_2")
        return self.call(cr, *names, "--results", self.results, "--json", *more)

    def ranked(self) -> tuple[int, dict, str]:
        return self.call(bc, self.root, "--results", self.results, "--json")

    def published(self) -> dict[str, float]:
        entries, _ = manager.read_entries([self.results / "step_2"], "run/step_2", "run/step_2", [], MAPPING)
        return {entry.metric: entry.value for entry in entries}

    def rows(self) -> list[dict]:
        rows, _ = board.read_own_runs([str(self.results / "step_2")], board.Benchmarks.of(MAPPING))
        return rows


@pytest.fixture
def readers(logs, tmp_path, capsys) -> Readers:  # noqa: F811
    return Readers(logs, tmp_path, capsys)


LOST = {
    "died_with_epochs": "24 of 64 answers without a score",
    "died_once": "12 of 20 answers without a score",
    "ungraded": "4 of 10 answers without a score",
    "cut": "4 of 4 answers truncated",
}


@pytest.mark.parametrize("case", list(LOST))
def test_what_was_lost_or_cut_is_used_by_no_reader(readers, case):
    for step in ("step_1", "step_2"):
        readers.read(case, step)
    code, document, err = readers.compare()
    notes = "; ".join(document["benchmarks"][0]["notes"])
    assert code == 3 and document["benchmarks"][0]["verdict"] == "NOT COMPARABLE", err
    assert f"candidate: {LOST[case]}" in notes
    code, _, err = readers.ranked()
    assert code == 3 and "no checkpoint was measured validly" in err and LOST[case] in err
    with pytest.raises(manager.ScriptError, match=LOST[case]) as refused:
        readers.published()
    assert refused.value.code == 1
    assert all(LOST[case] in row["why_not"] for row in readers.rows())


def test_attempts_that_are_scored_in_spite_of_an_error_are_used(readers):
    readers.read("score_on_error")
    assert readers.published() == {"accuracy": 0.75}
    (row,) = readers.rows()
    assert row["why_not"] is None and row["n"] == 20
    assert "3 of 20 attempts failed and were scored all the same" in row["notes"]


def test_limits_are_said_wherever_the_score_is_shown(readers):
    for step in ("step_1", "step_2"):
        readers.read("limits", step)
    said = "3 of 10 attempts stopped by a limit"
    _, document, _ = readers.compare()
    assert said in "; ".join(document["benchmarks"][0]["notes"])
    code, document, err = readers.ranked()
    assert code == 0 and any(said in line for line in document["notes"]), err
    _, notes = manager.read_entries([readers.results / "step_2"], "run/step_2", "run/step_2", [], MAPPING)
    assert any(said in line for line in notes)
    assert said in readers.rows()[0]["notes"]


def test_the_declared_cluster_is_used_and_not_asked_about(readers):
    for step in ("step_1", "step_2"):
        readers.read("grouped", step)
    _, document, _ = readers.compare()
    (row,) = document["benchmarks"]
    assert "--cluster-by" not in "; ".join(row["notes"])
    assert readers.published() == {"accuracy": 0.75}  # the overall score once, no group


def test_a_metric_without_a_direction_is_asked_about_by_every_reader(readers):
    for step in ("step_1", "step_2"):
        readers.read("hallucination", step)
    code, _, err = readers.compare("--result-id", "task/hallucination")
    assert code == 3 and "nothing says whether more hallucination" in err
    assert all(
        "nothing says whether more hallucination is better" in row["why_not"]
        for row in readers.rows()
        if row["metric"] == "hallucination"
    )


def test_another_scorer_is_not_compared(readers):
    strict, lenient = "rescored", "rescored/overwritten.eval"
    (path,) = [p.name for p in (readers.logs / strict).glob("*.eval") if p.name != "overwritten.eval"]
    readers.read(f"{strict}/{path}", "step_1")
    readers.read(lenient)
    code, document, _ = readers.compare()
    (row,) = document["benchmarks"]
    assert code == 3 and row["verdict"] == "NOT COMPARABLE"
    assert "scorer: match and lenient" in "; ".join(row["notes"])
    code, _, err = readers.ranked()
    assert code == 3 and "scorer" in err


def test_another_grader_prompt_is_not_compared(readers):
    readers.read("judged", "step_1")
    readers.read("judged_by_role")
    code, document, _ = readers.compare()
    assert code == 3
    assert "grader_prompt_hash" in "; ".join(document["benchmarks"][0]["notes"])


def test_one_run_in_two_files_is_one_result(readers):
    for step in ("step_1", "step_2"):
        readers.read("two_files", step)
    assert len(readers.rows()) == len(readers.published()) == 1
    _, document, _ = readers.compare()
    assert "repeats" not in "; ".join(document["benchmarks"][0]["notes"])


def test_a_retry_and_what_it_retried_are_one_result(readers):
    for step in ("step_1", "step_2"):
        readers.read("retried", step)
    assert readers.published() == {"accuracy": 0.65}
    (row,) = readers.rows()
    assert (row["value"], row["n"]) == (0.65, 20)
    code, document, err = readers.ranked()
    assert code == 0, err
    assert [c["eval_accuracy"] for c in document["checkpoints"]] == [0.65, 0.65]


def test_a_failure_before_a_good_run_is_forgotten(readers):
    readers.read("failed_first")
    assert len(readers.published()) == 1
    assert [row["why_not"] for row in readers.rows()] == [None]


SEVERAL = {
    "several": {"task/strict": 0.9, "task/loose": 1.0},
    "instructions": {"task/prompt_strict_acc": 0.8, "task/inst_strict_acc": 14 / 19, "task/final_acc": 0.5},
    "reduced": {"task/accuracy": 2 / 3, "task/accuracy_mode": 2 / 3, "task/pass_at_2": 2 / 3},
}


@pytest.mark.parametrize("case", list(SEVERAL))
def test_of_several_metrics_each_reader_asks_and_takes_the_chosen_one(readers, case):
    values = SEVERAL[case]
    for step in ("step_1", "step_2"):
        readers.read(case, step)
    for code, _, err in (readers.compare(), readers.ranked()):
        assert code == 3 and all(name in err for name in values)
    with pytest.raises(manager.ScriptError, match="several metrics; choose with --benchmark") as asked:
        readers.published()
    assert asked.value.code == 3
    assert sorted(row["value"] for row in readers.rows()) == pytest.approx(sorted(values.values()))
    for name, value in values.items():
        code, document, err = readers.compare("--result-id", name)
        (row,) = document["benchmarks"]
        assert code == 3 and row["verdict"] == "INCONCLUSIVE", err  # the same answers on both sides
        assert row["score"]["score"] == pytest.approx(value) and row["delta"] == 0
        code, document, err = readers.call(
            bc, readers.root, "--results", readers.results, "--json", "--full", "--result-id", name
        )
        assert code == 0, err
        assert [one["eval_accuracy"] for one in document["checkpoints"]] == pytest.approx([value] * 2)
        chosen = manager.read_entries([readers.results / "step_2"], "run/step_2", "run/step_2", [name], MAPPING)[0]
        assert [entry.value for entry in chosen] == [pytest.approx(value)]


@pytest.mark.parametrize("metric", ["strict", "loose"])
def test_a_gate_by_one_value_of_a_scorer_judges_that_one(readers, tmp_path, metric):
    for step in ("step_1", "step_2"):
        readers.read("several", step)
    policy = tmp_path / "gate.yaml"
    policy.write_text(f"rule: release\nbenchmarks:\n  task: {{metric: {metric}, max_drop: 50 %}}\n")
    code, document, err = readers.compare("--policy", policy)
    (row,) = document["benchmarks"]
    assert (row["metric"], row["verdict"]) == (metric, "GO" if code == 0 else "INCONCLUSIVE"), err


def test_settings_of_a_part_are_remarked_by_each_reader(readers):
    for step in ("step_1", "step_2"):
        readers.read("settings", step)
    said = "partial: 5 of 6 items"
    code, document, _ = readers.compare()
    assert code == 3 and said in "; ".join(document["benchmarks"][0]["notes"])
    code, document, _ = readers.ranked()
    assert any(said in line for line in document["notes"])
    with pytest.raises(manager.ScriptError, match=r"a partial run \(5 of 6 items\)"):
        readers.published()
    assert ["a partial run (5 of 6 items)" in row["why_not"] for row in readers.rows()] == [True]


def test_a_log_of_groups_alone_is_one_score_for_each_reader(readers):
    for step in ("step_1", "step_2"):
        readers.read("grouped_only", step)
    assert readers.published() == {"accuracy": 0.75}
    assert [(row["value"], row["n"]) for row in readers.rows()] == [(0.75, 16)]
    code, document, _ = readers.ranked()
    assert code == 0 and [one["eval_accuracy"] for one in document["checkpoints"]] == [0.75, 0.75]
    code, document, _ = readers.compare()
    assert code == 3 and document["benchmarks"][0]["score"]["score"] == 0.75
