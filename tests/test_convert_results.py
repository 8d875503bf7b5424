"""Converting result files of other harnesses: what is read, what is left out, and what hostile files can do."""

import copy
import importlib.util
import json
import math
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import compare_results as cr
import convert_results as converter
import inspect_eval_uv as inspect_script
import leaderboard
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from thoroughness import examples

if sys.version_info >= (3, 14):
    import zipfile as zstd_zipfile
else:
    from backports.zstd import zipfile as zstd_zipfile

ROOT = Path(__file__).resolve().parent.parent
FIXTURES = ROOT / "tests" / "fixtures" / "convert"
SHARED = ROOT.parent / "shared"
PERSON = "/".join(("", "home", "ann"))  # a folder of a person, in parts


def convert(*paths, output, options=()):
    return converter.main([*map(str, paths), "--output-dir", str(output), *options])


def records(output: Path) -> dict[str, dict]:
    """Task's collection -> record; an output folder of one model."""
    found = [path for path in output.glob("data/*/*/*/*.json") if not path.name.endswith("_failure.json")]
    return {path.parts[-4]: json.loads(path.read_text(encoding="utf-8")) for path in found}


def samples(output: Path, collection: str) -> list[dict]:
    (path,) = output.glob(f"data/{collection}/*/*/*_samples.jsonl")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def all_files(output: Path) -> dict[str, bytes]:
    return {str(path.relative_to(output)): path.read_bytes() for path in output.rglob("*") if path.is_file()}


def check_against_schema(output: Path) -> None:
    """Every record against the schemas, where these are."""
    script = SHARED / "check_records.py"
    if script.is_file():
        done = subprocess.run([sys.executable, str(script), str(output)], capture_output=True, text=True, check=False)
        assert done.returncode in (0, 2), done.stdout
        assert done.returncode == 0 or not records(output)


# --- lm-eval ---


def test_lm_eval_of_version_0_3(tmp_path):
    assert convert(FIXTURES / "lm_eval_0_3.json", output=tmp_path) == 0
    found = records(tmp_path)
    assert set(found) == {"arc_challenge", "wikitext"}
    record = found["arc_challenge"]
    plain, normed = record["evaluation_results"]
    assert record["model_info"]["id"] == "acme/tiny-1b"
    assert record["model_info"]["additional_details"]["revision"] == "step1000"
    assert record["eval_library"]["version"] == "unknown"
    assert plain["evaluation_result_id"] == "arc_challenge|25/acc"
    assert plain["metric_config"]["metric_id"] == "accuracy"
    assert plain["score_details"]["score"] == 0.25
    assert plain["score_details"]["uncertainty"] == {"standard_error": {"value": 0.0127, "method": "analytic"}}
    assert normed["metric_config"]["metric_id"] == "acc_norm"
    assert plain["generation_config"]["additional_details"]["dtype"] == "float16"
    assert "limit" not in plain["generation_config"]["additional_details"]
    perplexity = found["wikitext"]["evaluation_results"][0]["metric_config"]
    assert perplexity["metric_unit"] == "perplexity"
    assert perplexity["lower_is_better"] is True
    assert "weights_sha256" not in record["model_info"]["additional_details"]
    check_against_schema(tmp_path)


def test_lm_eval_of_version_0_4_with_samples(tmp_path, capsys):
    assert convert(FIXTURES / "lm_eval_0_4", output=tmp_path, options=["--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert [row["task"] for row in answer["skipped"]] == ["toy_group"]
    assert len(answer["records"]) == 2
    found = records(tmp_path)
    choice, write = found["toy_choice"]["evaluation_results"], found["toy_write"]["evaluation_results"]
    assert choice[0]["score_details"]["score"] == 0.75
    assert choice[0]["source_data"]["hf_repo"] == "acme/toys"
    assert choice[0]["generation_config"]["additional_details"]["limit"] == "4"
    assert [row["metric_config"]["metric_id"] for row in write] == ["exact_match", "exact_match_loose"]
    assert [row["score_details"]["score"] for row in write] == [0.5, 1.0]
    # "N/A" in the file: worked out from the items
    assert write[1]["score_details"]["uncertainty"]["standard_error"] == {"value": 0.0, "method": "analytic"}
    assert write[0]["generation_config"]["generation_args"] == {"temperature": 0.0, "max_tokens": 16}
    rows = samples(tmp_path, "toy_choice")
    assert [row["sample_id"] for row in rows] == [f"validation/{i}" for i in range(4)]
    assert rows[0]["input"]["raw"] == "Q: question 0?\nA:"
    assert rows[0]["input"]["reference"] == [" c1"]
    assert [row["evaluation"]["score"] for row in rows] == [1.0, 1.0, 0.0, 1.0]
    strict = [row for row in samples(tmp_path, "toy_write") if row["evaluation_result_id"].endswith("strict")]
    assert [row["answer_attribution"][0]["extracted_value"] for row in strict] == ["1", "[invalid]"]
    assert write[0]["score_details"]["details"]["unparsed"] == "1"
    check_against_schema(tmp_path)


def test_no_path_of_a_machine_gets_into_a_record(tmp_path):
    convert(FIXTURES / "lm_eval_0_4", output=tmp_path)
    text = b"".join(all_files(tmp_path).values()).decode()
    assert "ann" not in text
    assert "big-run/checkpoint-500" in text


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/data/my_run/checkpoint-500", "my_run/checkpoint-500"),
        ("/data/my_run/checkpoints/step_7/", "my_run/step_7"),
        (f"{PERSON}/model", "local/model"),
        (f"{PERSON}/my_run/checkpoint-5", "my_run/checkpoint-5"),
        ("~/my_run/checkpoint-5", "my_run/checkpoint-5"),
        ("~ann/model", "local/model"),
        ("D:\\runs\\my_run\\checkpoint-5", "my_run/checkpoint-5"),
        ("/", "local/unnamed"),
        ("../../etc/passwd", "etc/passwd"),
    ],
)
def test_a_path_becomes_run_and_checkpoint(path, expected):
    assert converter.foreign_id(path) == expected


def test_a_copy_in_the_hub_cache_is_the_hub_model(tmp_path):
    document = json.loads((FIXTURES / "lm_eval_0_3.json").read_text())
    commit = "0123456789abcdef0123456789abcdef01234567"
    document["config"]["model_args"] = f"pretrained=/x/hub/models--acme--tiny-1b/snapshots/{commit}"
    (tmp_path / "results.json").write_text(json.dumps(document))
    assert convert(tmp_path / "results.json", output=tmp_path / "out") == 0
    info = records(tmp_path / "out")["wikitext"]["model_info"]
    assert info["id"] == "acme/tiny-1b"
    assert info["additional_details"]["revision"] == commit


def lm_eval_run(folder: Path, lines: list[dict], value: float, **config) -> Path:
    """A results file of one task "toy" and its samples."""
    task = {"task": "toy", "dataset_path": "acme/toys", "test_split": "test", "num_fewshot": 0, "description": ""}
    task |= {
        "output_type": "generate_until",
        "doc_to_text": "{{q}}",
        "metric_list": [{"metric": "em", "aggregation": "mean"}],
    }
    error = math.sqrt(max(value * (1 - value), 0) / max(len(lines) - 1, 1))
    document = {
        "results": {"toy": {"em,none": value, "em_stderr,none": error}},
        "configs": {"toy": task | config},
        "versions": {"toy": 1},
        "config": {"model": "hf", "model_args": {"pretrained": "acme/tiny"}, "limit": None},
        "lm_eval_version": "0.4.13",
        "date": 1700000000,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results_2026-01-02T03-04-05.0.json").write_text(json.dumps(document))
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "samples_toy_2026-01-02T03-04-05.0.jsonl").write_text(text)
    return folder


def test_lm_eval_results_without_samples_tell_another_prompt(tmp_path):
    """The address of a function in a template tells nothing, the words around a question do."""
    found = []
    texts = ("Q: {{q}}", "Q: {{q}} <function f at 0x7f01>", "Q: {{q}} <function f at 0x7f02>", "Question: {{q}}")
    for place, text in enumerate(texts):
        folder = lm_eval_run(tmp_path / f"run{place}", [], 0.5, doc_to_text=text)
        next(folder.glob("samples*")).unlink()
        convert(folder, output=tmp_path / f"out{place}")
        (record,) = records(tmp_path / f"out{place}").values()
        found.append(record["evaluation_results"][0]["generation_config"]["additional_details"]["template_sha256"])
    assert found[1] == found[2] and len(set(found)) == 3


def line(number: int, value, **doc) -> dict:
    return {
        "doc_id": number,
        "doc": {"q": f"q{number}", **doc},
        "target": "a",
        "arguments": {"gen_args_0": {"arg_0": f"q{number}", "arg_1": {}}},
        "resps": [["a"]],
        "filtered_resps": ["a"],
        "filter": "none",
        "em": value,
    }


def test_ids_of_the_data_set_go_before_rows_unless_they_repeat(tmp_path):
    own = lm_eval_run(tmp_path / "own", [line(i, 1.0, id=f"item-{i}") for i in range(3)], 1.0)
    assert convert(own, output=tmp_path / "a") == 0
    assert [row["sample_id"] for row in samples(tmp_path / "a", "toy")] == ["item-0", "item-1", "item-2"]
    twice = lm_eval_run(tmp_path / "twice", [line(i, 1.0, id="same") for i in range(3)], 1.0)
    assert convert(twice, output=tmp_path / "b") == 0
    assert [row["sample_id"] for row in samples(tmp_path / "b", "toy")] == ["test/0", "test/1", "test/2"]
    assert records(tmp_path / "b")["toy"]["detailed_evaluation_results"]["total_rows"] == 3


def test_a_score_in_conflict_with_its_items_is_kept_without_them(tmp_path, capsys):
    folder = lm_eval_run(tmp_path / "run", [line(i, 1.0) for i in range(4)], 0.5)
    assert convert(folder, output=tmp_path / "out", options=["--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert "its 4 items average to 1.0" in answer["conflicts"][0]["reason"]
    record = records(tmp_path / "out")["toy"]
    assert record["evaluation_results"][0]["score_details"]["score"] == 0.5
    assert "1.0" in record["evaluation_results"][0]["score_details"]["details"]["conflict"]
    assert "detailed_evaluation_results" not in record
    assert list((tmp_path / "out").rglob("*_samples.jsonl")) == []
    check_against_schema(tmp_path / "out")


def test_a_filter_whose_answers_are_not_in_the_samples_is_in_conflict(tmp_path, capsys):
    """lm-eval writes the answers of one filter after those of the other: half of the file is the first filter whole."""
    rows = [line(i, float(i % 2)) | {"filter": chosen} for chosen in ("strict", "loose") for i in range(8)]
    folder = lm_eval_run(tmp_path / "run", rows, 0.5)
    path = folder / "results_2026-01-02T03-04-05.0.json"
    document = json.loads(path.read_text())
    document["results"]["toy"] = {"em,strict": 0.5, "em,loose": 0.5}
    path.write_text(json.dumps(document))
    assert convert(folder, output=tmp_path / "whole") == 0
    cut = folder / "samples_toy_2026-01-02T03-04-05.0.jsonl"
    cut.write_text("".join(cut.read_text().splitlines(keepends=True)[:8]))
    capsys.readouterr()
    assert convert(folder, output=tmp_path / "cut", options=["--json"]) == 1
    (conflict,) = json.loads(capsys.readouterr().out)["conflicts"]
    assert conflict["task"] == "toy|0/em,loose" and "no answer of the filter loose" in conflict["reason"]
    said = [
        r["score_details"]["details"].get("conflict") for r in records(tmp_path / "cut")["toy"]["evaluation_results"]
    ]
    assert said[0] is None and "cut off?" in said[1]


# --- lm-eval before 0.4.7: rows that do not name their filter ---

STRICT, LOOSE = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0], [1.0, 0.0, 1.0, 1.0, 0.0, 1.0]


def unnamed(filters: dict[str, list[float]], order: str = "blocks") -> list[dict]:
    """Rows as lm-eval wrote them, without a `filter`: filter by filter, or in another order."""
    rows = {
        (name, i): {key: value for key, value in line(i, values[i]).items() if key != "filter"}
        | {"filtered_resps": [f"{name} {i}"]}
        for name, values in filters.items()
        for i in range(len(values))
    }
    keys = list(rows)
    if order == "interleaved":
        keys.sort(key=lambda key: key[1])
    elif order == "two processes":  # each has every second item, and writes its own filter by filter
        keys.sort(key=lambda key: key[1] % 2)
    elif order == "reversed":
        keys.reverse()
    elif order == "mixed":
        keys[2], keys[8] = keys[8], keys[2]  # one item's rows change places
    return [rows[key] for key in keys]


def unnamed_run(folder: Path, rows: list[dict], scores: dict[str, float], listed: list[str], array: bool = False):
    run = lm_eval_run(folder, rows, 0.5, filter_list=[{"name": name, "filter": []} for name in listed])
    path = run / "results_2026-01-02T03-04-05.0.json"
    document = json.loads(path.read_text())
    del document["lm_eval_version"]
    document["results"]["toy"] = {f"em,{name}": value for name, value in scores.items()}
    if array:  # before 0.4.3: a list, in a file named by the arguments of the model
        path.rename(run / "results.json")
        path = run / "results.json"
        (run / "samples_toy_2026-01-02T03-04-05.0.jsonl").unlink()
        (run / "pretrained__acme__tiny_toy.jsonl").write_text(json.dumps(rows, indent=2))
    path.write_text(json.dumps(document))
    return run


@pytest.mark.parametrize("array", [False, True])
@pytest.mark.parametrize("order", ["blocks", "interleaved", "two processes", "reversed"])
def test_rows_without_a_filter_are_those_of_the_newer_shape(tmp_path, order, array):
    scores, both = {"strict": 2 / 6, "loose": 4 / 6}, {"strict": STRICT, "loose": LOOSE}
    old = unnamed_run(tmp_path / "old", unnamed(both, order), scores, ["strict", "loose"], array)
    assert convert(old, output=tmp_path / "a") == 0
    rows = [row | {"filter": row["filtered_resps"][0].split()[0]} for row in unnamed(both)]
    assert convert(unnamed_run(tmp_path / "new", rows, scores, ["strict", "loose"]), output=tmp_path / "b") == 0

    def read(folder: Path) -> list[tuple]:
        return sorted(
            (row["evaluation_result_id"], row["sample_id"], row["evaluation"]["score"], str(row["answer_attribution"]))
            for row in samples(folder, "toy")
        )

    assert read(tmp_path / "a") == read(tmp_path / "b")
    assert len(read(tmp_path / "a")) == 12
    check_against_schema(tmp_path / "a")


SAME = [0.0, 1.0, 1.0, 0.0, 0.0, 0.0]  # as many right as in STRICT, other ones


@pytest.mark.parametrize(
    ("rows", "scores", "listed", "said"),
    [
        (unnamed({"strict": STRICT}), {"strict": 2 / 6, "loose": 2 / 6}, ["strict", "loose"], "cut off"),
        (unnamed({"strict": STRICT, "loose": LOOSE})[:-1], {"strict": 2 / 6, "loose": 4 / 6}, [], "1 of 6 items"),
        (unnamed({"strict": STRICT, "loose": SAME}), {"strict": 2 / 6, "loose": 2 / 6}, [], "cannot be told apart"),
        (
            unnamed({"strict": STRICT, "loose": LOOSE}, "mixed"),
            {"strict": 2 / 6, "loose": 4 / 6},
            ["strict", "loose"],
            "no order of its filters",
        ),
        (
            [row | ({"filter": "strict"} if i < 6 else {}) for i, row in enumerate(unnamed({"a": STRICT, "b": LOOSE}))],
            {"strict": 2 / 6, "loose": 4 / 6},
            ["strict", "loose"],
            "names no filter, and others do",
        ),
    ],
)
def test_rows_that_may_be_another_filter_s_are_nobody_s(tmp_path, capsys, rows, scores, listed, said):
    folder = unnamed_run(tmp_path / "run", rows, scores, listed)
    assert convert(folder, output=tmp_path / "out", options=["--json"]) == 1
    (failure,) = json.loads(capsys.readouterr().out)["failures"]
    assert said in failure["reason"]
    assert not list((tmp_path / "out").rglob("*_samples.jsonl"))
    details = records(tmp_path / "out")["toy"]["evaluation_results"][0]["score_details"]["details"]
    assert details["lost_items"]  # which no reader ranks


def test_filters_of_the_same_score_are_in_the_order_of_the_task(tmp_path):
    rows = unnamed({"strict": STRICT, "loose": SAME})
    folder = unnamed_run(tmp_path / "run", rows, {"loose": 2 / 6, "strict": 2 / 6}, ["strict", "loose"])
    assert convert(folder, output=tmp_path / "out") == 0
    found = {name: [] for name in ("strict", "loose")}
    for row in samples(tmp_path / "out", "toy"):
        found[row["evaluation_result_id"].rpartition(",")[2]].append(row["evaluation"]["score"])
    assert found == {"strict": STRICT, "loose": SAME}


@pytest.mark.parametrize("sorted_keys", [False, True])
@pytest.mark.parametrize("listed", [["strict", "loose"], ["loose", "strict"], []])
def test_which_filter_has_the_metric_s_name_is_said_by_the_task_and_not_by_the_order_of_keys(
    tmp_path, listed, sorted_keys
):
    folder = lm_eval_run(tmp_path / "run", [], 0.5, filter_list=[{"name": name, "filter": []} for name in listed])
    (folder / "samples_toy_2026-01-02T03-04-05.0.jsonl").unlink()
    path = folder / "results_2026-01-02T03-04-05.0.json"
    document = json.loads(path.read_text())
    document["results"]["toy"] = {"em,strict": 0.4, "em,loose": 0.6}
    path.write_text(json.dumps(document, sort_keys=sorted_keys))
    assert convert(folder, output=tmp_path / "out") == 0
    found = records(tmp_path / "out")["toy"]["evaluation_results"]
    ids = {row["metric_config"]["metric_id"]: row["score_details"]["score"] for row in found}
    assert set(ids.values()) == {0.4, 0.6}
    if listed:
        assert ids["exact_match"] == {"strict": 0.4, "loose": 0.6}[listed[0]]
    else:
        assert set(ids) == {"exact_match_strict", "exact_match_loose"}  # nobody knows


def test_a_length_that_was_not_asked_has_no_score(tmp_path, capsys):
    """RULER: a metric for each length, -1 in the items of all others and where no item has it."""
    lengths = ("4096", "8192", "16384")
    rows = []
    for i in range(8):
        row = line(i, 0.0) | {"metrics": list(lengths)} | dict.fromkeys(lengths, -1.0)
        rows.append(row | {lengths[i % 2]: float(i < 6)})
    folder = lm_eval_run(tmp_path / "run", rows, 0.5, metric_list=[{"metric": one} for one in lengths])
    path = folder / "results_2026-01-02T03-04-05.0.json"
    document = json.loads(path.read_text())
    document["results"]["toy"] = {"4096,none": 0.75, "8192,none": 0.75, "16384,none": -1}
    document["n-samples"] = {"toy": {"original": 8, "effective": 8}}
    path.write_text(json.dumps(document))
    assert convert(folder, output=tmp_path / "out", options=["--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert "16384,none: nothing of that length was asked" in answer["skipped"][0]["reason"]
    found = records(tmp_path / "out")["toy"]["evaluation_results"]
    assert [(row["score_details"]["score"], row["score_details"]["uncertainty"]["num_samples"]) for row in found] == [
        (0.75, 4), (0.75, 4),
    ]  # fmt: skip
    scores = [row["evaluation"]["score"] for row in samples(tmp_path / "out", "toy")]
    assert sorted(scores) == [0.0, 0.0, *[1.0] * 6]


def test_samples_are_found_beside_results_of_any_name(tmp_path):
    """--output_path nights.json: nights_<time>.json, and samples_<task>_<time>.jsonl."""
    folder = lm_eval_run(tmp_path / "run", [line(i, float(i % 2)) for i in range(4)], 0.5)
    path = folder / "results_2026-01-02T03-04-05.0.json"
    path.rename(folder / "nights_2026-01-02T03-04-05.0.json")
    other = lm_eval_run(tmp_path / "other", [line(i, 1.0) for i in range(4)], 1.0)
    for kind, suffix in (("results", "json"), ("samples_toy", "jsonl")):
        name = "nights" if kind == "results" else kind
        moved = other / f"{kind}_2026-01-02T03-04-05.0.{suffix}"
        moved.rename(folder / f"{name}_2026-01-03T03-04-05.0.{suffix}")
    assert convert(folder, output=tmp_path / "out") == 0
    found = [json.loads(file.read_text()) for file in (tmp_path / "out").rglob("*.json")]
    assert sorted(one["evaluation_results"][0]["score_details"]["score"] for one in found) == [0.5, 1.0]
    assert [one["detailed_evaluation_results"]["total_rows"] for one in found] == [4, 4]


def test_items_that_are_lost_are_counted_where_they_contradict(tmp_path, capsys):
    folder = lm_eval_run(tmp_path / "run", [line(i, 1.0) for i in range(4)], 0.5)
    path = folder / "results_2026-01-02T03-04-05.0.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"n-samples": {"toy": {"original": 8, "effective": 8}}}))
    assert convert(folder, output=tmp_path / "out", options=["--json"]) == 1
    assert "its 4 of 8 items that are here" in json.loads(capsys.readouterr().out)["conflicts"][0]["reason"]


def test_an_item_without_a_number_does_not_count(tmp_path):
    folder = lm_eval_run(tmp_path / "run", [line(0, 1.0), line(1, float("nan")), line(2, 0.0)], 0.5)
    assert convert(folder, output=tmp_path / "out") == 0
    rows = samples(tmp_path / "out", "toy")
    assert ["error" in row for row in rows] == [False, True, False]
    details = records(tmp_path / "out")["toy"]["evaluation_results"][0]["score_details"]
    assert details["uncertainty"]["num_samples"] == 2


def test_samples_cut_off_leave_the_score(tmp_path, capsys):
    folder = lm_eval_run(tmp_path / "run", [line(i, 1.0) for i in range(4)], 1.0)
    path = folder / "samples_toy_2026-01-02T03-04-05.0.jsonl"
    path.write_bytes(path.read_bytes()[:-30])
    assert convert(folder, output=tmp_path / "out") == 1
    assert "line 4 is not valid JSON" in capsys.readouterr().err
    assert "detailed_evaluation_results" not in records(tmp_path / "out")["toy"]
    assert [path.name for path in (tmp_path / "out").rglob(".*")] == []


@pytest.mark.parametrize("cores", [1, 3])
@pytest.mark.parametrize("span", [1, 150, 700, 5000])
def test_a_file_read_in_pieces_gives_the_same_record(tmp_path, monkeypatch, span, cores):
    count = 60 if span > 1 else 12  # each line of its own
    rows = [line(i, float(i % 3 == 0), id=f"item-{i}", note="ä\u2028\x85" * (i % 4)) for i in range(count)]
    folder = lm_eval_run(tmp_path / "run", rows, 1 / 3)
    assert convert(folder, output=tmp_path / "whole") == 0
    monkeypatch.setattr(converter, "SPAN", span)
    monkeypatch.setattr(converter.os, "sched_getaffinity", lambda _: set(range(cores)), raising=False)
    assert convert(folder, output=tmp_path / "pieces") == 0
    whole, pieces = all_files(tmp_path / "whole"), all_files(tmp_path / "pieces")
    (name,) = (name for name in whole if name.endswith(".jsonl"))
    assert pieces[name] == whole[name]
    record, other = (records(tmp_path / where)["toy"] for where in ("whole", "pieces"))
    assert record | {"retrieved_timestamp": ""} == other | {"retrieved_timestamp": ""}
    assert record["detailed_evaluation_results"]["total_rows"] == count


@pytest.mark.parametrize("cores", [1, 2])
def test_what_is_wrong_in_a_later_piece_is_found(tmp_path, monkeypatch, capsys, cores):
    monkeypatch.setattr(converter, "SPAN", 600)
    monkeypatch.setattr(converter.os, "sched_getaffinity", lambda _: set(range(cores)), raising=False)
    again = [*(line(i, 1.0, id=f"item-{i}") for i in range(30)), line(30, 1.0, id="item-0")]
    assert convert(lm_eval_run(tmp_path / "again", again, 1.0), output=tmp_path / "a") == 0
    assert [row["sample_id"] for row in samples(tmp_path / "a", "toy")] == [f"test/{i}" for i in range(31)]
    folder = lm_eval_run(tmp_path / "cut", [line(i, 1.0) for i in range(40)], 1.0)
    path = folder / "samples_toy_2026-01-02T03-04-05.0.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:33], lines[33][:-5], *lines[34:]]))
    assert convert(folder, output=tmp_path / "b") == 1
    assert "line 34 is not valid JSON" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "b").rglob(".*")] == []


def test_a_process_that_is_ended_is_no_end_of_the_items(monkeypatch):
    monkeypatch.setattr(converter.os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    if sys.platform != "linux":
        pytest.skip("pieces are read by one process here")
    found = []
    with pytest.raises(MemoryError):
        for number in converter.in_order(lambda i: os._exit(9) if i == 3 else i, range(6)):
            found.append(number)
    assert found == [0, 1, 2]


def test_an_unknown_aggregation_is_settled_by_the_items(tmp_path):
    metric = [{"metric": "em", "aggregation": "!function x.y"}]
    same = lm_eval_run(tmp_path / "same", [line(0, 1.0), line(1, 0.0)], 0.5, metric_list=[{"metric": "em"}])
    other = lm_eval_run(tmp_path / "other", [line(0, 1.0), line(1, 0.0)], 0.25, metric_list=metric)
    for folder, expected in ((same, "mean"), (other, "!function x.y")):
        assert convert(folder, output=tmp_path / f"out_{expected[:4].strip('!')}") == 0
    kinds = [
        records(tmp_path / name)["toy"]["evaluation_results"][0]["metric_config"]["additional_details"]["aggregation"]
        for name in ("out_mean", "out_fun")
    ]
    assert kinds == ["mean", "!function x.y"]


def test_converting_twice_writes_nothing_new(tmp_path, capsys):
    for path in ("lm_eval_0_4", "helm", "lighteval_old"):
        assert convert(FIXTURES / path, output=tmp_path) == 0
    before = {
        name: (path.stat().st_mtime_ns, path.read_bytes())
        for name, path in ((str(p), p) for p in tmp_path.rglob("*") if p.is_file())
    }
    capsys.readouterr()
    for path in ("lm_eval_0_4", "helm", "lighteval_old"):
        assert convert(FIXTURES / path, output=tmp_path, options=["--json"]) == 0
        answer = json.loads(capsys.readouterr().out)
        assert answer["records"] == []
        assert answer["unchanged"]
    after = {
        name: (path.stat().st_mtime_ns, path.read_bytes())
        for name, path in ((str(p), p) for p in tmp_path.rglob("*") if p.is_file())
    }
    assert after == before


def test_items_that_come_later_join_the_record_of_the_run(tmp_path):
    folder = lm_eval_run(tmp_path / "run", [line(i, 1.0) for i in range(4)], 1.0)
    path = folder / "samples_toy_2026-01-02T03-04-05.0.jsonl"
    path.rename(tmp_path / "kept.jsonl")
    assert convert(folder, output=tmp_path / "out") == 0
    (before,) = (tmp_path / "out").rglob("*.json")
    (tmp_path / "kept.jsonl").rename(path)
    assert convert(folder, output=tmp_path / "out") == 0
    (after,) = (tmp_path / "out").rglob("*.json")
    assert after == before
    assert len(samples(tmp_path / "out", "toy")) == 4


def test_a_dry_run_writes_nothing(tmp_path, capsys):
    assert convert(FIXTURES / "lm_eval_0_4", output=tmp_path / "out", options=["--dry-run", "--json"]) == 0
    assert [row["samples"] for row in json.loads(capsys.readouterr().out)["records"]] == [4, 4]
    assert not (tmp_path / "out").exists()


def test_model_id_and_format(tmp_path, capsys):
    assert convert(FIXTURES, output=tmp_path, options=["--format", "helm", "--model-id", "me/mine", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert {row["format"] for row in answer["records"]} == {"helm"}
    assert {row["model"] for row in answer["records"]} == {"me/mine"}
    assert convert(FIXTURES, output=tmp_path, options=["--model-id", "me/mine"]) == 2
    assert "3 models" in capsys.readouterr().err


# --- lighteval ---


def test_lighteval_before_0_10(tmp_path, capsys):
    assert convert(FIXTURES / "lighteval_old", output=tmp_path, options=["--json", "--harness-version", "0.3.0"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert {row["task"] for row in answer["skipped"]} == {"leaderboard|mmlu:_average|5", "all"}
    found = records(tmp_path)
    assert set(found) == {"mmlu_anatomy", "mmlu_law", "wmt14_fr-en"}
    (anatomy,) = found["mmlu_anatomy"]["evaluation_results"]
    assert anatomy["evaluation_name"] == "mmlu:anatomy"
    assert anatomy["evaluation_result_id"] == "mmlu:anatomy|5/acc"
    assert anatomy["source_data"]["hf_repo"] == "lighteval/mmlu"
    assert anatomy["source_data"]["samples_number"] == 135
    assert anatomy["score_details"]["uncertainty"]["num_samples"] == 135
    assert found["mmlu_anatomy"]["eval_library"] == {
        "name": "lighteval",
        "version": "0.3.0",
        "additional_details": {"task": "leaderboard|mmlu:anatomy|5", "task_version": "0", "lighteval_sha": "deadbeef"},
    }
    assert found["mmlu_anatomy"]["evaluation_timestamp"] == "2024-03-05T06:07:08"  # no time zone in the file
    (bleu,) = found["wmt14_fr-en"]["evaluation_results"]
    assert bleu["metric_config"]["metric_unit"] == "points"
    assert bleu["metric_config"]["additional_details"]["aggregation"] == "bleu"
    assert "standard_error" not in bleu["score_details"]["uncertainty"]  # lighteval's is far too small
    assert bleu["score_details"]["details"]["standard_error_left_out"] == "0.02"
    check_against_schema(tmp_path)


def lighteval_run(folder: Path, data: Path, rows: list[dict], value: float, **model) -> Path:
    """What lighteval 0.13 leaves of one task "toy|1" on local data."""
    stamp = "2026-01-02T03-04-05.000006"
    config = {"model_name": "acme/tiny", "batch_size": 4, "dtype": "float32", "override_chat_template": False}
    config |= {"model_parallel": False, "generation_parameters": {"temperature": 0}} | model
    task = {"name": "toy", "hf_repo": str(data), "hf_subset": "default", "evaluation_splits": ["test"]}
    task |= {"few_shots_split": "train", "generation_size": None, "version": 0, "original_num_docs": -1}
    rule = "LoglikelihoodAcc(logprob_normalization=None)"
    metric = {"metric_name": "acc", "higher_is_better": True, "category": "LOGPROBS", "corpus_level_fn": "mean"}
    document = {
        "config_general": {
            "model_name": config["model_name"],
            "max_samples": 2,
            "model_config": config,
            "lighteval_sha": "?",
        },
        "results": {"toy|1": {"acc": value, "acc_stderr": 0.5}, "all": {"acc": value}},
        "config_tasks": {"toy|1": task | {"metrics": [metric | {"sample_level_fn": rule}]}},
    }
    results, details = folder / "results" / "acme" / "tiny", folder / "details" / "acme" / "tiny" / stamp
    results.mkdir(parents=True)
    details.mkdir(parents=True)
    (results / f"results_{stamp}.json").write_text(json.dumps(document))
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), details / f"details_toy|1_{stamp}.parquet")
    return folder


def lighteval_row(number: int, query: str, gold: int, acc: int) -> dict:
    shot = {"query": "Which? ", "choices": [" a", " b"], "gold_index": 0, "instruction": None}
    return {
        "doc": {
            **{"query": query, "choices": [" x", " y"], "gold_index": gold, "instruction": None, "id": str(number)},
            **{"fewshot_samples": [shot], "sampling_methods": ["LOGPROBS"], "specific": None, "generation_size": None},
        },
        "metric": {"acc": acc},
        "model_response": {
            **{"input": None, "text": [], "text_post_processed": [], "reasonings": [], "logprobs": [-1.0, -2.0]},
            "output_tokens": [[1], [2]],
        },
    }


def toy_data(folder: Path, ids: bool = True) -> Path:
    folder.mkdir(parents=True)
    rows = [{"id": f"toy-{i}", "prompt": f"Question {i}?"} if ids else {"prompt": f"Question {i}?"} for i in range(5)]
    (folder / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    os.utime(folder / "test.jsonl", (1, 1))  # older than the run
    return folder


def test_lighteval_with_details(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = toy_data(tmp_path / "data" / "toy")
    rows = [lighteval_row(3, "Question 3?", 0, 1), lighteval_row(1, "Question 1?", 1, 0)]
    run = lighteval_run(tmp_path / "le", data, rows, 0.5)
    assert convert(run, output=tmp_path / "stranger") == 0
    assert [row["sample_id"] for row in samples(tmp_path / "stranger", "toy")] == ["test/3", "test/1"]
    assert convert(run, output=tmp_path / "out", options=["--data", str(data)]) == 0
    found = samples(tmp_path / "out", "toy")
    assert [row["sample_id"] for row in found] == ["toy-3", "toy-1"]  # the data set's own ids, by the row
    assert [row["output"]["raw"] for row in found] == [[" x"], [" x"]]
    assert found[0]["input"]["formatted"] == "Which?  a\n\nQuestion 3?"
    assert found[0]["metadata"]["prompt_hash"]
    (result,) = records(tmp_path / "out")["toy"]["evaluation_results"]
    assert result["source_data"]["additional_details"]["path"] == "data/toy"
    assert result["source_data"]["additional_details"]["data_sha256"] == converter.data_sha256(data)
    assert result["source_data"]["additional_details"]["samples_number"] == "5"
    assert result["generation_config"]["additional_details"]["limit"] == "2"
    check_against_schema(tmp_path / "out")


@pytest.mark.parametrize("kind", ["mean", None], ids=["a mean", "how it is made is not said"])
@pytest.mark.parametrize(("kept", "value"), [(20, 0.75), (40, 0.75), (20, 0.5)])
def test_half_of_a_details_file_is_no_file_of_all_items(tmp_path, capsys, kind, kept, value):
    """20 of 40 items, whose mean may be that of all: the score stays, the items are left out, and it is said."""
    rows = [lighteval_row(i, f"Question {i}?", int(i % 4 == 0), int(i % 4 > 0)) for i in range(40)]
    run = lighteval_run(tmp_path / "le", toy_data(tmp_path / "data"), rows[:kept], value)
    (path,) = run.glob("results/*/*/*.json")
    document = json.loads(path.read_text())
    (task,) = document["config_tasks"].values()
    task["effective_num_docs"], task["metrics"][0]["corpus_level_fn"] = 40, kind
    path.write_text(json.dumps(document))
    whole = kept == 40
    assert convert(run, output=tmp_path / "out", options=["--json"]) == int(not whole)
    told, (result,) = json.loads(capsys.readouterr().out), records(tmp_path / "out")["toy"]["evaluation_results"]
    details = result["score_details"]["details"]
    assert result["score_details"]["score"] == value and result["score_details"]["uncertainty"]["num_samples"] == 40
    assert bool(list(tmp_path.glob("out/data/*/*/*/*_samples.jsonl"))) is whole
    said = [row["reason"] for name in ("failures", "conflicts") for row in told[name]]
    assert whole is (said == []) is (not {"conflict", "lost_items"} & details.keys())
    assert whole or "20 of 40 items" in said[0].replace("20 of the 40", "20 of 40")


def test_a_standard_error_of_fewer_items_is_noted(tmp_path, capsys):
    """0.0197 beside 0.892 is the error of 250 answers, 0.0139 that of 500."""
    for error, noted in ((0.0197, True), (0.0139, False), (0.002, False)):
        folder = lm_eval_run(tmp_path / str(error), [line(i, float(i >= 54)) for i in range(500)], 0.892)
        (path,) = folder.glob("results_*.json")
        document = json.loads(path.read_text())
        document["results"]["toy"]["em_stderr,none"] = error
        path.write_text(json.dumps(document))
        assert convert(folder, output=tmp_path / f"out{error}", options=["--json"]) == 0
        notes = [row["reason"] for row in json.loads(capsys.readouterr().out)["notes"]]
        assert [note for note in notes if "about 50 % of the 500 items" in note] == notes * noted
        assert bool(notes) is noted


@pytest.mark.parametrize(
    ("place", "said", "config", "wrong"),
    [
        ("n-shot", {"toy": 4}, {}, True),
        ("n-shot", {"toy": 0}, {"num_fewshot": 4}, True),
        ("n-shot", {"toy": 4}, {"metadata": {"num_fewshot": 4}}, False),  # examples in the task's own text
        ("n-shot", {"toy": 0}, {}, False),
        ("higher_is_better", {"toy": {"em": False}}, {}, True),
        ("higher_is_better", {"toy": {"em": True}}, {}, False),
        ("higher_is_better", {}, {"metric_list": [{"metric": "em", "higher_is_better": False}]}, True),
        ("higher_is_better", {}, {"task": "mmlu"}, True),
        ("model_name", "other/bigger", {}, True),
        ("model_name", "acme/tiny", {}, False),
        ("model_name", "/data/tiny", {}, False),
    ],
)
def test_a_file_that_contradicts_itself_gives_no_usable_score(tmp_path, capsys, place, said, config, wrong):
    folder = lm_eval_run(tmp_path / "in", [line(i, float(i % 2)) for i in range(40)], 0.5, **config)
    (path,) = folder.glob("results_*.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {place: said}))
    assert convert(folder, output=tmp_path / "out", options=["--json"]) == int(wrong)
    failures = json.loads(capsys.readouterr().out)["failures"]
    assert ["it contradicts itself" in row["reason"] for row in failures] == [True] * wrong
    (result,) = records(tmp_path / "out")["toy"]["evaluation_results"]
    assert ("contradiction" in result["score_details"]["details"]) is wrong


def test_data_that_changed_since_the_run_is_not_claimed(tmp_path):
    data = toy_data(tmp_path / "data")
    os.utime(data / "test.jsonl")  # now: later than the run of January 2026
    rows = [lighteval_row(3, "Something else?", 0, 1)]
    assert convert(lighteval_run(tmp_path / "le", data, rows, 1.0), output=tmp_path / "out") == 0
    (row,) = samples(tmp_path / "out", "toy")
    assert row["sample_id"] == "test/3"  # row 3 of today's data is another question
    details = records(tmp_path / "out")["toy"]["evaluation_results"][0]["source_data"]["additional_details"]
    assert "data_sha256" not in details


def test_rows_without_own_ids_are_named_by_split_and_row(tmp_path):
    data = toy_data(tmp_path / "data", ids=False)
    rows = [lighteval_row(3, "Question 3?", 0, 1)]
    assert convert(lighteval_run(tmp_path / "le", data, rows, 1.0), output=tmp_path / "out") == 0
    assert samples(tmp_path / "out", "toy")[0]["sample_id"] == "test/3"


def test_no_prompt_is_made_up_when_the_chat_template_is_not_known(tmp_path):
    rows = [lighteval_row(3, "Question 3?", 0, 1)]
    folder = lighteval_run(tmp_path / "le", Path("acme/toys"), rows, 1.0, override_chat_template=None)
    assert convert(folder, output=tmp_path / "out") == 0
    (row,) = samples(tmp_path / "out", "toy")
    assert "formatted" not in row["input"]
    assert row["metadata"] == {}


def checkpoint(folder: Path, content: bytes = b"weights", when: float = 1_600_000_000) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(content)
    os.utime(folder / "model.safetensors", (when, when))
    return folder


def test_weights_are_hashed_only_when_they_are_older_than_the_results(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    model = checkpoint(
        tmp_path / "le" / "my_run" / "checkpoint-500", when=time.time()
    )  # below the folder of the results
    rows = [lighteval_row(3, "Question 3?", 0, 1)]
    folder = lighteval_run(tmp_path / "le", Path("acme/toys"), rows, 1.0, model_name=str(model))
    document = next(folder.rglob("results_*.json"))
    document.write_text(
        document.read_text().replace(
            '"config_general": {"model_name": "acme/tiny"', f'"config_general": {{"model_name": "{model}"'
        )
    )
    assert convert(folder, output=tmp_path / "late") == 0
    assert "may be newer than the results" in capsys.readouterr().err
    info = records(tmp_path / "late")["toy"]["model_info"]
    assert info["id"] == "my_run/checkpoint-500"
    assert "weights_sha256" not in info["additional_details"]
    os.utime(model / "model.safetensors", (1, 1))
    assert convert(folder, output=tmp_path / "early") == 0
    details = records(tmp_path / "early")["toy"]["model_info"]["additional_details"]
    assert details["weights_sha256"] == converter.weights_sha256(model)
    assert details["path"] == "le/my_run/checkpoint-500"
    assert details["step"] == "500"


def test_a_file_binds_no_weights_outside_the_folders_of_the_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    mine = checkpoint(tmp_path / "mine" / "step_2")
    os.utime(mine / "model.safetensors", (1, 1))
    folder = lighteval_run(tmp_path / "le", Path("acme/toys"), [lighteval_row(3, "Q?", 0, 1)], 1.0)
    document = next(folder.rglob("results_*.json"))
    (folder / "link").symlink_to(mine)
    for name in (str(mine), "mine/step_2", "./mine/../mine/step_2", str(folder / "link")):
        document.write_text(document.read_text().replace('"model_name": "acme/tiny"', f'"model_name": "{name}"'))
        output = tmp_path / "out" / name.replace("/", "_")
        assert convert(folder, output=output) == 0
        (found,) = records(output).values()
        assert "weights_sha256" not in found["model_info"]["additional_details"]
        assert "--checkpoints" in capsys.readouterr().err
        assert convert(folder, output=tmp_path / "said", options=["--checkpoints", "mine"]) == 0
        assert records(tmp_path / "said")["toy"]["model_info"]["additional_details"]["weights_sha256"]
        document.write_text(document.read_text().replace(f'"model_name": "{name}"', '"model_name": "acme/tiny"'))


def test_no_weights_and_no_data_are_hashed_through_a_link_out_of_the_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    mine = checkpoint(tmp_path / "mine" / "step_2", when=1)
    theirs = checkpoint(tmp_path / "le" / "run" / "step_2", when=1)
    (theirs / "model.safetensors").unlink()
    (theirs / "model.safetensors").symlink_to(mine / "model.safetensors")
    data = toy_data(tmp_path / "my_data")
    os.utime(data / "test.jsonl", (1, 1))
    linked = tmp_path / "le" / "data"
    linked.mkdir()
    for file in data.iterdir():
        (linked / file.name).symlink_to(file)
    rows = [lighteval_row(3, "Q?", 0, 1)]
    folder = lighteval_run(tmp_path / "le", linked, rows, 1.0)
    document = next(folder.rglob("results_*.json"))
    document.write_text(document.read_text().replace('"model_name": "acme/tiny"', f'"model_name": "{theirs}"'))
    assert convert(document, output=tmp_path / "out") == 0
    (found,) = records(tmp_path / "out").values()
    assert "weights_sha256" not in found["model_info"]["additional_details"]
    assert "data_sha256" not in found["evaluation_results"][0]["source_data"]["additional_details"]
    assert "--checkpoints" in capsys.readouterr().err


@pytest.mark.parametrize("pattern", ["results*.json", "samples*.jsonl"])
def test_no_file_of_a_folder_is_read_through_a_link_out_of_it(tmp_path, capsys, pattern):
    shutil.copytree(FIXTURES / "lm_eval_0_4", tmp_path / "in")
    path = sorted((tmp_path / "in").glob(pattern))[0]
    shutil.move(path, tmp_path / "mine")
    path.symlink_to(tmp_path / "mine")
    assert convert(tmp_path / "in", output=tmp_path / "out") == 2
    assert "a link out of the folder" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    path.unlink()
    shutil.move(tmp_path / "mine", tmp_path / "in" / f"moved_{path.name}")
    path.symlink_to(f"moved_{path.name}")  # within the folder
    assert convert(tmp_path / "in", output=tmp_path / "out") == 0


def test_a_date_in_the_future_is_refused(tmp_path, capsys):
    shutil.copytree(FIXTURES / "lm_eval_0_4", tmp_path / "in")
    document = tmp_path / "in" / "results.json"
    value = json.loads(document.read_text())
    document.write_text(json.dumps(value | {"date": 4_000_000_000.5}))
    assert convert(tmp_path / "in", output=tmp_path / "out") == 2
    assert "in the future" in capsys.readouterr().err


def test_checkpoints_names_the_weights_of_a_run_made_elsewhere(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    model = checkpoint(tmp_path / "big-run" / "checkpoint-500")
    assert convert(FIXTURES / "lm_eval_0_4", output=tmp_path / "out", options=["--checkpoints", "big-run"]) == 0
    details = records(tmp_path / "out")["toy_choice"]["model_info"]["additional_details"]
    assert details["weights_sha256"] == converter.weights_sha256(model)
    checkpoint(tmp_path / "other" / "checkpoint-500", b"others")
    both = ["--checkpoints", "big-run", "other"]
    assert convert(FIXTURES / "lm_eval_0_4", output=tmp_path / "out", options=both) == 0  # the run's name decides
    checkpoint(tmp_path / "x" / "big-run" / "checkpoint-500", b"third")
    both = ["--checkpoints", "big-run", "x/big-run"]
    assert convert(FIXTURES / "lm_eval_0_4", output=tmp_path / "out", options=both) == 3
    assert "name the right one" in capsys.readouterr().err
    assert convert(FIXTURES / "lm_eval_0_4", output=tmp_path / "out", options=["--checkpoints", "nowhere"]) == 2


def test_a_checkpoint_that_the_model_id_names_is_what_was_measured_and_one_that_nothing_names_is_said(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    model = checkpoint(tmp_path / "mine" / "step-9")
    named = ["--checkpoints", "mine", "--model-id", "mine/step-9"]
    assert convert(FIXTURES / "lm_eval_0_4", output=tmp_path / "out", options=named) == 0
    info = records(tmp_path / "out")["toy_choice"]["model_info"]
    assert info["additional_details"]["weights_sha256"] == converter.weights_sha256(model)
    assert info["id"] == "mine/step-9" and "no result is bound" not in capsys.readouterr().err
    assert convert(FIXTURES / "lm_eval_0_4", output=tmp_path / "other", options=["--checkpoints", "mine"]) == 0
    assert "no result is bound to step-9: the results are of big-run/checkpoint-500" in capsys.readouterr().err
    assert convert(tmp_path / "out", output=tmp_path / "again") == 2
    assert "2 records already: the other scripts take them with --results" in capsys.readouterr().err


# --- inspect ---


def inspect_header(**changes) -> dict:
    header = {
        "version": 2,
        "status": "success",
        "eval": {
            "created": "2026-01-02T03:04:05+00:00",
            "task": "toy",
            "task_args": {"fewshot": 2},
            "dataset": {"name": "acme/toys", "location": "acme/toys", "samples": 10, "sample_ids": ["a", "b"]},
            "model": "hf/acme/tiny",
            "model_args": {"device": "cpu", "api_key": "do-not-keep"},
            "config": {"limit": 2, "epochs": 2},
            "packages": {"inspect_ai": "0.3.285"},
        },
        "plan": {"steps": [{"solver": "generate", "params": {"max_tokens": 8}}], "config": {"temperature": 0.5}},
        "results": {
            "scores": [
                score_entry("match", "mean", 0.75),
                score_entry("match", "max", 1.0),
                score_entry("model_graded", "mean", 0.5),
            ]
        },
    }
    return header | changes


def score_entry(name: str, reducer: str, value: float) -> dict:
    metrics = {"accuracy": {"name": "accuracy", "value": value}, "stderr": {"name": "stderr", "value": 0.25}}
    return {"name": name, "scorer": name, "reducer": reducer, "scored_samples": 2, "metrics": metrics}


def inspect_sample(name, epoch: int, match, graded="I", **more) -> dict:
    return {
        "id": name,
        "epoch": epoch,
        "input": f"question {name}",
        "target": "yes",
        "messages": [{"role": "user", "content": f"question {name}", "source": "input"}],
        "output": {
            "choices": [{"message": {"role": "assistant", "content": f"say {epoch}"}, "stop_reason": "max_tokens"}]
        },
        "scores": {"match": {"value": match, "answer": "say"}, "model_graded": {"value": graded}},
    } | more


def inspect_samples() -> list[dict]:
    return [
        inspect_sample("a", 1, "C", "C"),
        inspect_sample("b", 1, "I", "I"),
        inspect_sample("a", 2, "C", "C"),
        inspect_sample("b", 2, "C", "I"),
    ]


REDUCTIONS = [
    {
        "scorer": "match",
        "reducer": "max",
        "samples": [{"sample_id": "a", "value": 1.0}, {"sample_id": "b", "value": 1.0}],
    }
]


@pytest.mark.parametrize("names", [["match", "model_graded"], ["model_graded", "match"]])
def test_inspect_the_order_of_scorers_names_no_metric(tmp_path, names):
    scores = {"match": 0.75, "model_graded": 0.5}
    header = inspect_header(results={"scores": [score_entry(name, "mean", scores[name]) for name in names]})
    assert convert(write_log(tmp_path / "x.json", header, inspect_samples()), output=tmp_path / "out") == 0
    found = {
        row["metric_config"]["metric_id"]: row["score_details"]["score"]
        for row in records(tmp_path / "out")["toy"]["evaluation_results"]
    }
    assert found == {"match_accuracy": 0.75, "model_graded_accuracy": 0.5}  # and nobody's is "accuracy"
    log = header | {"samples": inspect_samples(), "reductions": []}
    own = [(metric.label, metric.number) for metric in inspect_script.log_metrics(log, [])]
    assert dict(own) == found


def write_archive(path: Path, header: dict | None, items: list[dict], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zstd_zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("_journal/start.json", json.dumps({"version": 2, "eval": inspect_header()["eval"]}))
        for row in items:
            archive.writestr(f"samples/{row['id']}_epoch_{row['epoch']}.json", json.dumps(row))
        archive.writestr("reductions.json", json.dumps(REDUCTIONS))
        if header is not None:
            archive.writestr("header.json", json.dumps(header))
    return path


def write_log(path: Path, header: dict, items: list[dict]) -> Path:
    path.write_text(json.dumps(header | {"samples": items, "reductions": REDUCTIONS}))
    return path


@pytest.mark.parametrize("kind", ["json", "deflate", "zstd"])
def test_inspect_logs_of_all_kinds_give_the_same_record(tmp_path, kind):
    if kind == "json":
        log = write_log(tmp_path / "x.json", inspect_header(), inspect_samples())
    else:
        method = zstd_zipfile.ZIP_ZSTANDARD if kind == "zstd" else zipfile.ZIP_DEFLATED
        log = write_archive(tmp_path / "x.eval", inspect_header(), inspect_samples(), method)
    assert convert(log, output=tmp_path / "out") == 0
    record = records(tmp_path / "out")["toy"]
    mean, best, graded = record["evaluation_results"]
    assert mean["evaluation_result_id"] == "toy|2/match_accuracy"
    assert mean["score_details"]["score"] == 0.75
    assert mean["score_details"]["uncertainty"] == {
        "num_samples": 2,
        "standard_error": {"value": 0.25, "method": "analytic"},
    }
    assert mean["score_details"]["details"]["truncated"] == "4"
    assert best["evaluation_result_id"] == "toy|2/max"
    assert graded["evaluation_result_id"] == "toy|2/model_graded_accuracy"
    assert mean["generation_config"]["generation_args"] == {"temperature": 0.5, "max_tokens": 8}
    assert mean["generation_config"]["additional_details"]["limit"] == "2"
    assert mean["generation_config"]["additional_details"]["repeats"] == "2"
    assert record["eval_library"]["version"] == "0.3.285"
    assert record["model_info"]["id"] == "acme/tiny"
    rows = samples(tmp_path / "out", "toy")
    assert [row["evaluation"]["score"] for row in rows] == [1.0, 0.5, 1.0, 1.0, 1.0, 0.0]  # by metric, then by item
    assert rows[0]["output"]["raw"] == ["say 1", "say 2"]  # both times
    assert b"do-not-keep" not in b"".join(all_files(tmp_path / "out").values())
    check_against_schema(tmp_path / "out")


@pytest.mark.parametrize(
    "header",
    [
        inspect_header(status="error", error={"message": f"OSError: {PERSON}/secret/run.py is gone"}),
        inspect_header(status="cancelled"),
        inspect_header(status="started", results=None),
        inspect_header(invalidated=True),
        None,
    ],
    ids=["error", "cancelled", "started", "invalidated", "no end"],
)
def test_a_log_that_did_not_end_well_is_a_failure_and_never_a_score(tmp_path, header, capsys):
    log = write_archive(tmp_path / "x.eval", header, inspect_samples())
    assert convert(log, output=tmp_path / "out", options=["--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["records"] == []
    assert records(tmp_path / "out") == {}
    (path,) = (tmp_path / "out").rglob("*_failure.json")
    failure = json.loads(path.read_text())
    assert failure["task"] == "toy"
    assert failure["model_id"] == "acme/tiny"
    assert "ann" not in failure["error"]
    assert convert(log, output=tmp_path / "out") == 1
    assert len(list((tmp_path / "out").rglob("*_failure.json"))) == 1


def test_a_log_without_scores_gives_nothing(tmp_path, capsys):
    log = write_log(tmp_path / "x.json", inspect_header(results={"scores": []}), inspect_samples())
    assert convert(log, output=tmp_path / "out") == 2
    captured = capsys.readouterr()
    assert "inspect score" in captured.err
    assert captured.out == ""


def test_an_inspect_item_that_failed_has_an_error_and_no_score(tmp_path):
    items = [
        inspect_sample("a", 1, "C", "C"),
        inspect_sample("b", 1, None, None, scores={}, error={"message": "timeout"}),
    ]
    header = inspect_header(results={"scores": [score_entry("match", "mean", 1.0)]})
    header["eval"]["config"]["epochs"] = 1
    assert convert(write_log(tmp_path / "x.json", header, items), output=tmp_path / "out") == 0
    good, bad = samples(tmp_path / "out", "toy")
    assert "error" not in good
    assert bad["error"] == "timeout"


def test_inspect_items_without_ids_are_rows(tmp_path):
    header = inspect_header(results={"scores": [score_entry("match", "mean", 0.5)]})
    header["eval"]["dataset"]["sample_ids"] = [1, 2]
    items = [inspect_sample(1, 1, "C"), inspect_sample(2, 1, "I")]
    assert convert(write_log(tmp_path / "x.json", header, items), output=tmp_path / "out") == 0
    assert [row["sample_id"] for row in samples(tmp_path / "out", "toy")] == ["sample/0", "sample/1"]


def test_an_agent_run_keeps_its_conversation(tmp_path):
    call = {"id": "1", "function": "bash", "arguments": {"cmd": "ls", "n": 3}}
    messages = [
        {"role": "user", "content": "attachment://abc", "source": "input"},
        {
            "role": "assistant",
            "content": [{"type": "reasoning", "reasoning": "hm"}],
            "source": "generate",
            "tool_calls": [call],
        },
        {"role": "tool", "content": "file", "tool_call_id": "1"},
        {"role": "assistant", "content": "done", "source": "generate"},
    ]
    item = inspect_sample("a", 1, "C", messages=messages, attachments={"abc": "a long question"})
    header = inspect_header(results={"scores": [score_entry("match", "mean", 1.0) | {"scored_samples": 1}]})
    assert convert(write_log(tmp_path / "x.json", header, [item]), output=tmp_path / "out") == 0
    (row,) = samples(tmp_path / "out", "toy")
    assert row["interaction_type"] == "agentic"
    assert row["output"] is None
    assert row["messages"][0]["content"] == "a long question"
    assert row["messages"][1]["reasoning_trace"] == "hm"
    assert row["messages"][1]["tool_calls"][0]["arguments"] == {"cmd": "ls", "n": "3"}
    check_against_schema(tmp_path / "out")


# --- HELM ---


def test_helm_run(tmp_path, capsys):
    assert convert(FIXTURES / "helm", output=tmp_path, options=["--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert len(answer["skipped"]) == 2  # the other split, the changed items
    (record,) = records(tmp_path).values()
    (result,) = record["evaluation_results"]
    assert result["evaluation_name"] == "gsm:method=generation"  # without the model, so that models pair
    assert result["evaluation_result_id"] == "gsm:method=generation|5/final_number_exact_match"
    assert result["score_details"]["uncertainty"] == {
        "num_samples": 2,
        "standard_error": {"value": 0.5, "method": "analytic"},
    }
    assert result["score_details"]["details"]["truncated"] == "1"
    assert "limit" not in result["generation_config"]["additional_details"]  # 3 items of at most 1000
    assert record["model_info"]["id"] == "acme/tiny"
    rows = [json.loads(text) for text in next(tmp_path.rglob("*_samples.jsonl")).read_text().splitlines()]
    assert [row["sample_id"] for row in rows] == ["id7", "id9"]
    assert rows[1]["output"]["raw"] == [" 5 because"]
    assert rows[0]["input"]["reference"] == ["2"]
    check_against_schema(tmp_path)


def test_helm_run_without_the_requests(tmp_path):
    shutil.copytree(FIXTURES / "helm", tmp_path / "helm")
    next(tmp_path.rglob("scenario_state.json")).unlink()
    assert convert(tmp_path / "helm", output=tmp_path / "out") == 0
    rows = [json.loads(text) for text in next((tmp_path / "out").rglob("*_samples.jsonl")).read_text().splitlines()]
    assert [row["evaluation"]["score"] for row in rows] == [1.0, 0.0]
    assert {row["sample_hash"] for row in rows} == {None}
    check_against_schema(tmp_path / "out")


def test_a_helm_run_whose_items_are_damaged_keeps_its_score(tmp_path, capsys):
    shutil.copytree(FIXTURES / "helm", tmp_path / "helm")
    path = next(tmp_path.rglob("per_instance_stats.json"))
    path.write_bytes(path.read_bytes()[:200])
    assert convert(tmp_path / "helm", output=tmp_path / "out") == 1
    assert "per_instance_stats.json" in capsys.readouterr().err
    (record,) = records(tmp_path / "out").values()
    assert record["evaluation_results"][0]["score_details"]["score"] == 0.5
    check_against_schema(tmp_path / "out")


def test_an_output_that_cannot_be_written_is_no_fault_of_the_source(tmp_path):
    resource = pytest.importorskip("resource")
    command = [sys.executable, converter.__file__, FIXTURES / "helm", "--output-dir", tmp_path / "out"]

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=small_files)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.search(r"^error: \S*out/data/\S*_samples.jsonl: could not be written: File too large$", done.stderr, re.M)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_table_that_nobody_reads_or_that_a_full_disk_does_not_take(tmp_path):
    command = [sys.executable, converter.__file__, FIXTURES / "helm", "--output-dir"]
    there, here = os.pipe()
    os.close(there)
    with open(here, "w") as gone:
        done = subprocess.run([*command, tmp_path / "one"], stdout=gone, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0 and "error" not in done.stderr and records(tmp_path / "one")
    if os.path.exists("/dev/full"):
        with open("/dev/full", "w") as full:
            done = subprocess.run([*command, tmp_path / "two"], stdout=full, stderr=subprocess.PIPE, text=True)
        assert done.returncode == 2
        assert done.stderr.endswith("error: stdout: could not be written: No space left on device\n")


def test_a_board_replaces_no_file_of_others(tmp_path, capsys):
    board = tmp_path / "board"
    command = ["collect", "--results", str(FIXTURES.parents[2] / "examples" / "tiny_run" / "results")]
    command += ["--output-dir", str(board)]
    assert leaderboard.main(command) == leaderboard.main(command) == 0
    (board / "metadata.json").unlink()
    assert leaderboard.main(command) == 0  # one that was stopped in the middle
    for name in ("leaderboard.jsonl", "leaderboard.parquet", "metadata.json"):
        shutil.rmtree(board)
        board.mkdir()
        if name.endswith("parquet"):
            pyarrow.parquet.write_table(pyarrow.table({"mine": [1]}), board / name)
        else:
            (board / name).write_text('{"mine": 1}\n', encoding="utf-8")
        before = (board / name).read_bytes()
        capsys.readouterr()
        assert leaderboard.main(command) == 2
        assert f"{name} is there and was not written by this command" in capsys.readouterr().err
        assert [(path.name, path.read_bytes()) for path in board.iterdir()] == [(name, before)]


def test_an_old_samples_file_belongs_to_the_task_with_the_longest_name(tmp_path):
    document = json.loads((FIXTURES / "lm_eval_0_4" / "results.json").read_text())
    for place in ("results", "configs", "versions", "n-shot"):
        document[place]["choice"] = document[place].pop("toy_choice") | {} if place in ("results", "configs") else 1
    document["results"]["toy_choice"] = document["results"]["choice"]
    document["configs"]["toy_choice"] = document["configs"]["choice"]
    document["configs"]["choice"] = document["configs"]["toy_choice"] | {"task": "choice"}
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "results.json").write_text(json.dumps(document))
    shutil.copy(FIXTURES / "lm_eval_0_4" / "pretrained__x_toy_choice.jsonl", tmp_path / "in")
    assert convert(tmp_path / "in", output=tmp_path / "out") == 0
    found = records(tmp_path / "out")
    assert "detailed_evaluation_results" in found["toy_choice"]
    assert "detailed_evaluation_results" not in found["choice"]


def test_a_helm_run_that_did_not_finish(tmp_path, capsys):
    shutil.copytree(FIXTURES / "helm", tmp_path / "helm")
    next(tmp_path.rglob("stats.json")).unlink()
    assert convert(tmp_path / "helm", output=tmp_path / "out") == 2
    assert "no stats.json beside it" in capsys.readouterr().err


# --- items that belong together ---


def lm_eval_repeated(folder: Path) -> Path:
    lines = [line(i, float(i % 2), q=f"q{i // 2}") for i in range(6)]
    for i, row in enumerate(lines):
        row["arguments"]["gen_args_0"]["arg_0"] = f"q{i // 2}"
    return lm_eval_run(folder, lines, 0.5)


def lighteval_repeated(folder: Path, **model) -> Path:
    rows = [lighteval_row(i, f"Question {i // 2}?", i % 2, 1 - i % 2) for i in range(6)]
    return lighteval_run(folder, folder / "nowhere", rows, 0.5, **model)


def lighteval_repeated_in_a_template(folder: Path) -> Path:
    return lighteval_repeated(folder, override_chat_template=True)  # the prompt as sent is not in the files


def helm_repeated(folder: Path) -> Path:
    shutil.copytree(FIXTURES / "helm", folder)
    path = next(folder.rglob("scenario_state.json"))
    state = json.loads(path.read_text())
    for row in state["request_states"]:
        row["request"]["prompt"] = "one prompt"
        row["instance"]["input"]["text"] = "one question"
    path.write_text(json.dumps(state))
    return folder


def inspect_repeated(folder: Path) -> Path:
    folder.mkdir(parents=True)
    rows = [inspect_sample(f"q{i}", 1, "CI"[i % 2], input=f"Question {i // 2}?", messages=[]) for i in range(6)]
    header = inspect_header(results={"scores": [score_entry("match", "accuracy", 0.5)]})
    return write_log(folder / "x.json", header, rows)


@pytest.mark.parametrize(
    "make",
    [lm_eval_repeated, lighteval_repeated, lighteval_repeated_in_a_template, helm_repeated, inspect_repeated],
)
def test_items_of_one_prompt_belong_together_whatever_the_source(tmp_path, make):
    made = make(tmp_path / "in")
    assert convert(made, output=tmp_path / "out") == 0
    (path,) = (tmp_path / "out").rglob("*_samples.jsonl")
    rows = [cr.parsed_line(json.loads(text)) for text in path.read_text().splitlines()]
    groups = cr.sharing_groups(rows, None)
    assert None not in groups
    assert len(set(groups)) == len(rows) // 2
    assert cr.sharing_groups(rows, "none") == [None] * len(rows)


# --- files that are damaged, hostile, or something else ---


def good_run(folder: Path) -> Path:
    return lm_eval_run(folder, [line(0, 1.0)], 1.0)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("results_x.json", b'{"config_general": {"model_name": "m"}, "results": {', "JSON"),
        ("results_x.json", b"[" * 200_000, "nested too deeply"),
        ("x.eval", b"PK\x03\x04 no archive", "zip"),
        ("x.eval", b"text", "zip archive"),
        ("details.parquet", b"no parquet", "parquet"),
        ("results_x.json", b'{"config_general": {}, "results": {}}', "which model"),
        ("log.json", b'{"eval": {}, "status": "success", "version": 2}', "without a task or a model"),
        ("results_x.json", b"\xff\xfe\x00{", ""),
    ],
)
def test_a_damaged_file_is_named_and_the_rest_is_converted(tmp_path, capsys, name, content, reason):
    good_run(tmp_path / "in")
    (tmp_path / "in" / name).write_bytes(content)
    code = convert(tmp_path / "in", output=tmp_path / "out", options=["--json"])
    captured = capsys.readouterr()
    answer = json.loads(captured.out)
    assert [row["task"] for row in answer["records"]] == ["toy"]
    assert "Traceback" not in captured.err
    if reason:
        assert code == 1
        assert reason in answer["failures"][0]["reason"]
        assert answer["failures"][0]["file"].endswith(name)


def test_a_file_alone_that_cannot_be_read_is_exit_2_and_stdout_is_empty(tmp_path, capsys):
    (tmp_path / "a.json").write_text("{}")
    for path in (tmp_path / "a.json", tmp_path / "nowhere", tmp_path):
        assert convert(path, output=tmp_path / "out") == 2
        assert capsys.readouterr().out == ""
    assert not (tmp_path / "out").exists()


def test_a_zip_bomb_is_not_unpacked(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(converter, "MAX_LINE", 1 << 20)
    path = tmp_path / "bomb.eval"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("header.json", b" " * (8 << 20) + json.dumps(inspect_header()).encode())
    assert convert(path, output=tmp_path / "out") == 2
    assert "zip bomb" in capsys.readouterr().err


def test_a_bomb_of_many_samples_leaves_the_score(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(converter.LogArchive, "__init__", small_archive(converter.LogArchive.__init__))
    items = [inspect_sample(f"i{i}", 1, "C", metadata={"x": "0" * 100_000}) for i in range(50)]
    header = inspect_header(results={"scores": [score_entry("match", "mean", 1.0)]})
    assert convert(write_archive(tmp_path / "x.eval", header, items), output=tmp_path / "out") == 1
    assert "zip bomb" in capsys.readouterr().err
    assert "detailed_evaluation_results" not in records(tmp_path / "out")["toy"]


def small_archive(original):
    def init(self, path):
        original(self, path)
        self.left = 1_000_000

    return init


def test_names_in_a_file_are_no_paths(tmp_path):
    document = json.loads((FIXTURES / "lm_eval_0_3.json").read_text())
    evil = "../../../../evil/\x1b[31m" + "x" * 5000
    document["results"] = {evil: {"acc": 0.5}, "/etc/passwd": {"acc": 0.5}, "..": {"acc": 0.5}}
    document["config"]["model_args"] = "pretrained=../../../evil"
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "results.json").write_text(json.dumps(document))
    assert convert(tmp_path / "in", output=tmp_path / "deep" / "out") == 0
    outside = [
        path
        for path in tmp_path.rglob("*")
        if path.is_file() and (tmp_path / "deep" / "out" / "data") not in path.parents
    ]
    assert outside == [tmp_path / "in" / "results.json"]
    assert len(list((tmp_path / "deep" / "out").rglob("*.json"))) == 3


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e999", "true_", '"0.5"', "null", "[]", "9" * 400])
def test_a_value_that_is_no_number_is_reported_and_never_a_score(tmp_path, capsys, value):
    text = (FIXTURES / "lm_eval_0_3.json").read_text().replace('"acc": 0.25', f'"acc": {value.strip("_")}')
    (tmp_path / "results.json").write_text(text)
    code = convert(tmp_path / "results.json", output=tmp_path / "out", options=["--json"])
    found = records(tmp_path / "out")["arc_challenge"]["evaluation_results"]
    if value == "true_":  # a truth value counts as 0 or 1 for items; as a score of a task it is 1.0
        return
    assert code == 1
    assert [row["metric_config"]["metric_name"] for row in found] == ["acc_norm"]
    assert "acc is" in json.loads(capsys.readouterr().out)["failures"][0]["reason"]


def test_records_and_model_files_in_a_folder_are_not_read_as_results(tmp_path, capsys):
    folder = good_run(tmp_path / "in")
    convert(folder, output=folder / "results")
    (folder / "config.json").write_text('{"architectures": []}')
    (folder / "notes.txt").write_text("{")
    capsys.readouterr()
    assert convert(folder, output=tmp_path / "out", options=["--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert len(answer["records"]) == 1
    assert answer["other_files"] == 4


# --- properties ---

hostile = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**400), 10**400),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["../..", "\ud800", "\x1b[2J", "NaN", "1e999", "hf_" + "A" * 34, "0" * 3000]),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=2),
)


def spots(value, path=()):
    """The paths of all values in a JSON document."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from spots(inner, (*path, key))


def changed(value, path, new):
    value = copy.deepcopy(value)
    if not path:
        return new
    place = value
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = new
    return value


def check_numbers(output: Path) -> None:
    """All that is written is JSON without NaN, of finite scores inside their bounds."""

    def refuse(text):
        raise AssertionError(text)

    for path in output.rglob("*.json*"):
        for text in (
            # a string in JSON may hold other line ends, such as U+2028, as they are
            filter(None, path.read_text("utf-8").split("\n")) if path.suffix == ".jsonl" else [path.read_text("utf-8")]
        ):
            content = json.loads(text, parse_constant=refuse)
            for result in content.get("evaluation_results", []):
                assert math.isfinite(result["score_details"]["score"])
            assert "hf_AAAA" not in json.dumps([content.get("model_info"), content.get("error")])


DOCUMENTS = {
    "lm_eval": json.loads((FIXTURES / "lm_eval_0_4" / "results.json").read_text()),
    "lighteval": json.loads(next((FIXTURES / "lighteval_old").iterdir()).read_text()),
    "inspect": inspect_header() | {"samples": inspect_samples(), "reductions": REDUCTIONS},
    "helm": json.loads((FIXTURES / "helm" / "toy-run" / "run_spec.json").read_text()),
}


def test_a_token_in_place_of_a_model_stays_out(tmp_path):
    shutil.copytree(FIXTURES / "helm" / "toy-run", tmp_path / "in")
    spec = DOCUMENTS["helm"] | {"adapter_spec": DOCUMENTS["helm"]["adapter_spec"] | {"model": "hf" + "_" + "A" * 34}}
    (tmp_path / "in" / "run_spec.json").write_text(json.dumps(spec))
    assert convert(tmp_path / "in", output=tmp_path / "out") == 0
    check_numbers(tmp_path / "out")


@settings(max_examples=examples(300), deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_file_makes_it_fail_or_write_what_is_no_record(tmp_path_factory, data):
    kind = data.draw(st.sampled_from(sorted(DOCUMENTS)))
    document = DOCUMENTS[kind]
    for _ in range(data.draw(st.integers(1, 3))):
        document = changed(document, data.draw(st.sampled_from(list(spots(document)))), data.draw(hostile))
    folder = tmp_path_factory.mktemp("fuzz")
    if kind == "helm":
        shutil.copytree(FIXTURES / "helm" / "toy-run", folder / "in")
        (folder / "in" / "run_spec.json").write_text(json.dumps(document))
    else:
        (folder / "in").mkdir()
        (folder / "in" / "results.json").write_text(json.dumps(document))
        if kind == "lm_eval":
            for path in (FIXTURES / "lm_eval_0_4").glob("*.jsonl"):
                shutil.copy(path, folder / "in")
    assert convert(folder / "in", output=folder / "out") in (0, 1, 2)
    check_numbers(folder / "out")
    if (SHARED / "check_records.py").is_file() and (folder / "out").exists():
        assert schema_problems(folder / "out") == []
    shutil.rmtree(folder)


def schema_problems(output: Path) -> list[str]:
    spec = importlib.util.spec_from_file_location("check_records", SHARED / "check_records.py")
    checker = sys.modules.get("check_records")
    if checker is None:
        checker = importlib.util.module_from_spec(spec)
        sys.modules["check_records"] = checker
        spec.loader.exec_module(checker)
    paths = [path for path in output.rglob("*.json") if not path.name.endswith("_failure.json")]
    return [text for path in paths for text in checker.problems(path, json.loads(path.read_text(encoding="utf-8")))]


@settings(max_examples=examples(100), deadline=None)
@given(st.lists(st.tuples(hostile, hostile), max_size=4))
def test_lines_of_samples_of_any_kind(tmp_path_factory, values):
    lines = [line(i, 1.0) | {"em": value, "doc": doc, "doc_id": i} for i, (value, doc) in enumerate(values)]
    folder = tmp_path_factory.mktemp("lines")
    lm_eval_run(folder / "in", lines, 1.0)
    assert convert(folder / "in", output=folder / "out") in (0, 1)
    check_numbers(folder / "out")
    shutil.rmtree(folder)


@given(st.text(), st.text())
def test_ids_hold_no_path(name, owner):
    found = converter.foreign_id(f"{PERSON}/{owner}/{name}")
    assert not found.startswith("/")
    assert converter.short_slug(found) not in ("", ".", "..")
    assert len(converter.short_slug(found)) <= 120


@given(st.floats(allow_nan=True, allow_infinity=True) | st.integers() | st.booleans() | st.text() | st.none())
def test_finite_numbers_only(value):
    found = converter.finite(value)
    assert found is None or (isinstance(found, float) and math.isfinite(found))


# --- real files of others, and the scripts that read records ---

REAL = SHARED / "result_files"


@pytest.mark.skipif(not REAL.is_dir(), reason="the files of other harnesses are not here")
def test_real_files_of_others(tmp_path, capsys):
    assert convert(REAL, output=tmp_path, options=["--json"]) == 1  # one log has no score
    answer = json.loads(capsys.readouterr().out)
    assert {row["format"] for row in answer["records"]} == {"inspect", "helm"}
    assert [Path(row["file"]).name for row in answer["failures"]] == ["popularity.eval"]
    found = records(tmp_path)
    (arc,) = found["inspect_evals_arc_easy"]["evaluation_results"]
    assert arc["score_details"]["score"] == pytest.approx(1 / 3)
    mmlu = found["mmlu_subject_philosophy_method_multiple_choice_joint"]["evaluation_results"]
    assert mmlu[0]["metric_config"]["metric_id"] == "accuracy"
    assert mmlu[0]["score_details"]["score"] == pytest.approx(1 / 9)
    assert mmlu[0]["generation_config"]["additional_details"]["limit"] == "10"
    check_against_schema(tmp_path)


def test_the_calculator_and_the_manager_read_the_records(tmp_path, monkeypatch, capsys):
    import benchmark_calculator
    import evaluation_manager

    monkeypatch.chdir(tmp_path)
    for step, value in ((100, 0.0), (200, 1.0)):
        model = checkpoint(tmp_path / "run" / f"step_{step}", str(step).encode())
        os.utime(model / "model.safetensors", (1, 1))
        folder = lm_eval_run(tmp_path / f"out_{step}", [line(i, value) for i in range(4)], value)
        path = next(folder.glob("results_*.json"))
        document = json.loads(path.read_text())
        document["config"]["model_args"]["pretrained"] = str(model)
        path.write_text(json.dumps(document).replace('"toy"', '"gsm8k"').replace("acme/toys", "openai/gsm8k"))
        samples_file = next(folder.glob("samples_*.jsonl"))
        samples_file.rename(folder / samples_file.name.replace("toy", "gsm8k"))
        assert convert(folder, output=tmp_path / "results") == 0
    capsys.readouterr()
    assert benchmark_calculator.main(["run", "--results", "results"]) == 0
    assert "step_200 (best)" in capsys.readouterr().out
    (tmp_path / "README.md").write_text("---\nlicense: mit\n---\n# x\n")
    command = ["add", "--results", "results", "--model-id", "run/step_200", "--card", "README.md", "--json"]
    command += ["--repo-id", "run/step_200", "--allow-partial"]
    assert evaluation_manager.main(command) == 0
    plan = capsys.readouterr().out
    assert "gsm8k" in plan
    assert '"value": 1.0' in plan
