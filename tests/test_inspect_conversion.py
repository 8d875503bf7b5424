"""Converting logs that inspect-ai's own `eval` has written with scripted answers (tests/inspect_cases.py)."""

import fcntl
import hashlib
import json
import os
import subprocess
import zipfile
from pathlib import Path

import convert_results as converter
import pytest
from test_convert_results import check_against_schema, convert, samples

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "tests" / "inspect_cases.py"
INSPECT = "inspect-ai==0.3.285"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hub-evals"


def logs_of(script: Path) -> Path:
    """The logs that a script makes with inspect-ai; made once for each state of it and of what it imports."""
    digest = hashlib.sha256(script.read_bytes() + SCRIPT.read_bytes() * (script != SCRIPT)).hexdigest()[:16]
    folder = CACHE / f"inspect-logs-{digest}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one worker makes them, the others wait
        if folder.is_dir():
            return folder
        making = folder.with_name(f"{folder.name}.{os.getpid()}")
        python = os.environ.get("HUB_EVALS_INSPECT_PYTHON")
        words = ["uv", "run", "--quiet", "--no-project", "--with", INSPECT, "python"]
        words = [*([python] if python else words), str(script)]
        done = subprocess.run([*words, str(making)], capture_output=True, text=True, timeout=1800, check=False)
        if done.returncode:
            pytest.skip(f"inspect-ai cannot run here: {done.stderr[-300:]}")
        return making.rename(folder)


@pytest.fixture(scope="session")
def logs() -> Path:
    """The logs of all cases, in half a minute."""
    return logs_of(SCRIPT)


def answer_of(logs: Path, case: str, output: Path, capsys, code: int = 0) -> dict:
    capsys.readouterr()
    assert convert(logs / case, output=output, options=["--json"]) == code
    check_against_schema(output)
    return json.loads(capsys.readouterr().out)


def results(output: Path) -> dict[str, dict]:
    """Metric -> result of the one record in an output folder."""
    (path,) = [p for p in output.glob("data/*/*/*/*.json") if not p.name.endswith("_failure.json")]
    record = json.loads(path.read_text(encoding="utf-8"))
    return {row["metric_config"]["metric_name"]: {**row, "record": record} for row in record["evaluation_results"]}


def counted(result: dict, *names: str) -> list[int]:
    return [int(result["score_details"]["details"][name]) for name in names]


# --- what became of the attempts ---


def test_attempts_that_died_are_counted_and_their_items_say_it(logs, tmp_path, capsys):
    answer = answer_of(logs, "died_with_epochs", tmp_path, capsys)
    assert answer["records"][0]["scores"][0]["attempts"] == {"attempts": 64, "scored": 40, "errored": 24}
    result = results(tmp_path)["accuracy"]
    assert result["score_details"]["score"] == 1.0  # what inspect says of the survivors
    assert counted(result, "attempts", "scored", "wrong", "errored", "no_value") == [64, 40, 0, 24, 0]
    rows = {row["sample_id"]: row["metadata"] for row in samples(tmp_path, "task")}
    assert (rows["q0"]["attempts"], rows["q0"]["scored"]) == ("4", "1")
    assert json.loads(rows["q0"]["attempt_values"]) == [1.0, None, None, None]
    assert json.loads(rows["q9"]["attempt_values"]) == [1.0] * 4


def test_the_table_says_what_was_lost(logs, tmp_path, capsys):
    convert(logs / "died_once", output=tmp_path)
    assert "12 of 20 (12 errored)" in capsys.readouterr().out
    convert(logs / "limits", output=tmp_path)
    assert "3 at a limit" in capsys.readouterr().out
    convert(logs / "cut", output=tmp_path)
    assert "4 cut off" in capsys.readouterr().out


def test_items_without_a_value_have_an_error_and_enter_no_mean(logs, tmp_path, capsys):
    answer_of(logs, "died_once", tmp_path, capsys)
    assert counted(results(tmp_path)["accuracy"], "attempts", "scored", "errored") == [20, 8, 12]
    rows = samples(tmp_path, "task")
    assert sum("error" in row for row in rows) == 12
    assert "the sandbox went away" in next(row["error"] for row in rows if row["sample_id"] == "q0")


@pytest.mark.parametrize(
    ("said", "more", "empty"),
    [
        (["a", "", " ", "b"], {}, 2),
        ([""] * 4, {}, 4),
        ([""] * 4, {"errored": 1, "limit_hit": 1}, 2),  # these are counted as such
        (["a", "", "", "b"], {"tries": None}, 0),  # a vote of four texts is one answer
        ([""] * 4, {"tries": None}, 1),
    ],
)
def test_empty_answers_are_counted_in_attempts(said, more, empty):
    tries = {"accuracy": [1.0] * 4}
    item = converter.AskedItem(
        "q", "?", [], said, {"accuracy": 1.0}, generative=True, **{"tries": tries, "planned": 4, **more}
    )
    counts = converter.Counts()
    counts.add(item, "accuracy", 0.0)
    assert counts.empty == empty


def test_a_grader_without_a_grade(logs, tmp_path, capsys):
    answer_of(logs, "ungraded", tmp_path, capsys)
    result = results(tmp_path)["accuracy"]
    assert counted(result, "attempts", "scored", "no_value", "errored") == [10, 6, 4, 0]


def test_an_attempt_that_is_scored_in_spite_of_its_error_agrees_with_the_score(logs, tmp_path, capsys):
    answer = answer_of(logs, "score_on_error", tmp_path, capsys)
    assert answer["conflicts"] == []
    result = results(tmp_path)["accuracy"]
    assert result["score_details"]["score"] == 0.75
    assert counted(result, "attempts", "scored", "wrong", "errored") == [20, 20, 5, 3]
    assert not any("error" in row for row in samples(tmp_path, "task"))


def test_limits_are_counted_and_named(logs, tmp_path, capsys):
    answer_of(logs, "limits", tmp_path, capsys)
    assert counted(results(tmp_path)["accuracy"], "attempts", "scored", "wrong", "limit_hit") == [10, 10, 3, 3]
    rows = {row["sample_id"]: row["metadata"] for row in samples(tmp_path, "task")}
    assert rows["q0"]["limit_hit"] == "token"
    assert "limit_hit" not in rows["q5"]


def test_answers_that_are_cut_off(logs, tmp_path, capsys):
    answer_of(logs, "cut", tmp_path, capsys)
    assert counted(results(tmp_path)["accuracy"], "truncated") == [4]


# --- what the data set says, groups, ways of joining ---


def test_sample_metadata_is_kept_within_bounds(logs, tmp_path, capsys):
    answer_of(logs, "grouped", tmp_path, capsys)
    rows = {row["sample_id"]: row["metadata"] for row in samples(tmp_path, "task")}
    assert rows["q5"]["repo"] == "repo_1"
    assert rows["q5"]["topic"] == "b"
    assert len(rows["q5"]["long"]) <= 256
    assert rows["q5"]["long"] == rows["q6"]["long"]  # the same text groups the same items


def test_grouped_metrics_are_one_overall_score_with_its_declared_clusters(logs, tmp_path, capsys):
    answer = answer_of(logs, "grouped", tmp_path, capsys)
    assert sorted(row["reason"] for row in answer["skipped"]) == [f"{g}: a mean over a part of the items" for g in "ab"]
    found = results(tmp_path)
    assert set(found) == {"accuracy"}
    assert found["accuracy"]["metric_config"]["additional_details"]["cluster_by"] == "repo"
    assert found["accuracy"]["score_details"]["uncertainty"]["standard_error"]["method"] == "clustered"


def test_a_log_of_grouped_metrics_alone_has_the_score_over_all(logs, tmp_path, capsys):
    answer_of(logs, "grouped_only", tmp_path, capsys)
    found = results(tmp_path)
    assert found["accuracy"]["score_details"]["score"] == 0.75
    assert found["accuracy"]["score_details"]["uncertainty"]["num_samples"] == 16


def test_a_way_of_joining_repeats_is_not_the_metric(logs, tmp_path, capsys):
    answer_of(logs, "reduced", tmp_path, capsys)
    assert set(results(tmp_path)) == {"accuracy", "accuracy_mode", "pass_at_2"}


# --- who scored, which way is better ---


def test_a_score_of_several_values_has_their_names_and_its_items(logs, tmp_path, capsys):
    answer_of(logs, "several", tmp_path, capsys)
    found = results(tmp_path)
    assert {name: row["score_details"]["score"] for name, row in found.items()} == {"strict": 0.9, "loose": 1.0}
    assert all(row["metric_config"]["additional_details"]["scorer"] == "several" for row in found.values())
    assert len(samples(tmp_path, "task")) == 20


def test_metrics_of_one_function_over_several_values(logs, tmp_path, capsys):
    answer = answer_of(logs, "instructions", tmp_path, capsys)
    assert answer["conflicts"] == []
    found = results(tmp_path)
    rules = {name: row["metric_config"]["additional_details"]["aggregation"] for name, row in found.items()}
    assert rules == {"prompt_strict_acc": "mean", "inst_strict_acc": "ratio of sums", "final_acc": "unknown"}
    rows = [row for row in samples(tmp_path, "task") if row["evaluation_result_id"].endswith("/inst_strict_acc")]
    assert [(row["metadata"]["numerator"], row["metadata"]["denominator"]) for row in rows][2:5] == [
        ("0.0", "3.0"),
        ("1.0", "1.0"),
        ("2.0", "2.0"),
    ]


def test_the_direction_of_an_unknown_metric_is_not_guessed(logs, tmp_path, capsys):
    answer_of(logs, "hallucination", tmp_path, capsys)
    found = {name: row["metric_config"] for name, row in results(tmp_path).items()}
    assert found["hallucination"]["additional_details"]["direction"] == "unknown"
    assert found["calibration_error"]["lower_is_better"] is True
    assert "direction" not in found["calibration_error"]["additional_details"]


@pytest.mark.parametrize(("case", "own_prompt"), [("judged", True), ("judged_by_role", False)])
def test_the_grader_with_its_settings_is_in_the_record(logs, tmp_path, capsys, case, own_prompt):
    answer_of(logs, case, tmp_path, capsys)
    result = results(tmp_path)["accuracy"]
    details = result["metric_config"]["additional_details"]
    assert details["scorer"] == "model_graded_qa"
    assert details["grader_model"] == "mockllm/judge"
    assert '"temperature": 0.3' in details["grader_settings"]
    assert ("grader_prompt_hash" in details) is own_prompt
    # the grader's tokens are not the model's
    assert result["record"]["eval_library"]["additional_details"]["total_tokens"] == "80"
    assert samples(tmp_path, "task")[0]["token_usage"]["reasoning_tokens"] == 2


def test_a_log_that_was_scored_again_is_another_record(logs, tmp_path, capsys):
    answer = answer_of(logs, "rescored", tmp_path, capsys)
    assert len(answer["records"]) == 3
    found = [json.loads(Path(row["path"]).read_text(encoding="utf-8")) for row in answer["records"]]
    assert len({record["source_metadata"]["additional_details"]["run_id"] for record in found}) == 1
    scorers = [
        [row["metric_config"]["additional_details"]["scorer"] for row in record["evaluation_results"]]
        for record in found
    ]
    assert sorted(scorers) == [["lenient"], ["match"], ["match", "lenient"]]


# --- settings ---


def test_all_that_may_change_an_answer_is_a_setting(logs, tmp_path, capsys):
    answer_of(logs, "settings", tmp_path, capsys)
    result = results(tmp_path)["accuracy"]
    given = result["generation_config"]["additional_details"]
    expected = {
        "message_limit": "20",
        "token_limit": "9000",
        "time_limit": "60",
        "reasoning_effort": "low",
        "limit": "5",
    }
    assert expected.items() <= given.items()
    assert given["solver_args"] == '[{"wrong": [1]}]'
    assert json.loads(given["extra_body"]) == {"top_a": 1}
    assert result["generation_config"]["generation_args"] == {"temperature": 0.5}
    assert not {"log_samples", "sandbox_cleanup", "score_display"} & set(given)


# --- one run once ---


def test_one_run_in_two_files_is_one_record(logs, tmp_path, capsys):
    answer = answer_of(logs, "two_files", tmp_path, capsys)
    assert len(answer["records"]) == 1
    assert "the same run as in" in answer["skipped"][0]["reason"]
    again = answer_of(logs, "two_files/same.json", tmp_path, capsys)
    assert len(again["records"]) == 0 or again["records"][0]["path"] == answer["records"][0]["path"]
    assert len(list(tmp_path.glob("data/*/*/*/*_samples.jsonl"))) == 1


def test_a_retry_completes_what_it_retried(logs, tmp_path, capsys):
    answer = answer_of(logs, "retried", tmp_path, capsys)
    (made,) = answer["records"]
    assert made["scores"][0]["score"] == 0.65
    assert made["scores"][0]["attempts"] == {"attempts": 20, "scored": 20, "wrong": 7}
    assert answer["skipped"][0]["reason"].startswith("retried: ")
    record = results(tmp_path)["accuracy"]["record"]["source_metadata"]["additional_details"]
    assert {"run_id", "task_id", "created"} <= set(record)


def test_a_run_that_failed_and_then_ended_well_is_no_failure(logs, tmp_path, capsys):
    failed, good = sorted((logs / "failed_first").iterdir())
    answer_of(logs, f"failed_first/{failed.name}", tmp_path, capsys, code=1)
    assert len(list(tmp_path.rglob("*_failure.json"))) == 1
    answer = answer_of(logs, "failed_first", tmp_path, capsys)
    assert "it failed, and a later run ended well" in answer["skipped"][0]["reason"]
    assert good.name in answer["skipped"][0]["reason"]
    assert not list(tmp_path.rglob("*_failure.json"))


@pytest.mark.parametrize("suffix", [".json", ".eval"])
def test_a_run_of_another_subject_ends_no_failed_one_well(tmp_path, suffix):
    def log(name: str, status: str, created: str, **args: str) -> None:
        head = {"eval_id": name, "task_id": name, "created": created, "task": "mmlu", "task_args": args, "model": "a/b"}
        document = {"version": 2, "status": status, "eval": head}
        if suffix == ".json":
            (tmp_path / f"{name}.json").write_text(json.dumps(document))
        else:
            with zipfile.ZipFile(tmp_path / f"{name}.eval", "w") as archive:
                archive.writestr("header.json", json.dumps(document))

    log("law", "error", "2026-01-01T00:00:00+00:00", subjects="law")
    log("anatomy", "success", "2026-01-02T00:00:00+00:00", subjects="anatomy")
    found = [converter.FoundFile(path, True) for path in sorted(tmp_path.iterdir())]
    assert converter.superseded_logs(found) == {}
    log("again", "success", "2026-01-03T00:00:00+00:00", subjects="law")
    found = [converter.FoundFile(path, True) for path in sorted(tmp_path.iterdir())]
    assert [path.stem for path in converter.superseded_logs(found)] == ["law"]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("acme/base", ("acme/base", None, None)),
        ("acme/base:acme/base-lora", ("acme/base-lora", "acme/base", None)),
        ("acme/base:acme/base-lora@v2", ("acme/base-lora", "acme/base", "v2")),
    ],
)
def test_an_adapter_under_vllm_is_not_its_base(name, found):
    assert converter.inspect_adapter("vllm", name) == found
    assert converter.inspect_adapter("ollama", "llama3:8b") == ("llama3:8b", None, None)


@pytest.mark.parametrize(("config", "code"), [({}, 1), ({"log_samples": False}, 0)])
def test_samples_that_a_log_has_lost_are_missing(tmp_path, capsys, config, code):
    head = {"eval_id": "e", "task_id": "t", "created": "2026-01-01T00:00:00+00:00", "task": "mmlu", "model": "a/b"}
    scores = [{"name": "match", "scorer": "match", "metrics": {"accuracy": {"name": "accuracy", "value": 0.99}}}]
    results = {"total_samples": 20, "completed_samples": 20, "scores": scores}
    document = {"version": 2, "status": "success", "eval": head | {"config": config}, "results": results}
    with zipfile.ZipFile(tmp_path / "x.eval", "w") as archive:
        archive.writestr("header.json", json.dumps(document))
    assert convert(tmp_path / "x.eval", output=tmp_path / "out", options=["--json"]) == code
    assert ("samples file is missing" in capsys.readouterr().out) == bool(code)
