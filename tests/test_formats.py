"""Result files of evalscope, MTEB, OLMES, NeMo Evaluator, OpenCompass, EvalPlus, SWE-bench, simple-evals, lmms-eval,
Evalchemy, older records and trainers: small files of the shape that each one's own writer gives.
"""

import json
import math
import os
import random
import shutil
import statistics
import subprocess
import sys
from collections import Counter
from pathlib import Path

import benchmark_calculator as calculator
import compare_results as comparison
import convert_results as converter
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_convert_results import (
    SHARED,
    all_files,
    changed,
    check_against_schema,
    check_numbers,
    convert,
    hostile,
    records,
    samples,
    schema_problems,
    spots,
)
from thoroughness import examples

ROOT = Path(__file__).resolve().parent.parent


def write(path: Path, value, lines: bool = False) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(row) + "\n" for row in value) if lines else json.dumps(value)
    path.write_text(text, encoding="utf-8")
    return path


def one(found: dict[str, dict]) -> tuple[dict, dict]:
    """The one record and its first result."""
    (record,) = found.values()
    return record, record["evaluation_results"][0]


def by_metric(folder: Path) -> dict[str, dict]:
    """The results of a folder's one record by the shared id of their metric."""
    (record,) = records(folder).values()
    return {row["metric_config"]["metric_id"]: row for row in record["evaluation_results"]}


def counts(result: dict) -> dict[str, str]:
    return result["score_details"]["details"]


# --- evalscope ---


def evalscope_run(folder: Path, version: int = 2, lost: int = 0) -> Path:
    """Six items in two subsets, each asked twice; `lost` judgements are unavailable. Numbers rounded as it does."""
    values = {"easy": [1, 1, 1, 0, 1, 1], "hard": [0, 1, 0, 0, 0, 0]}
    usable = {name: row[lost:] if name == "easy" else row for name, row in values.items()}
    subsets = [{"name": n, "score": round(sum(v) / len(v), 4), "num": len(v)} for n, v in usable.items()]
    total = round(sum(s["score"] * s["num"] for s in subsets) / sum(s["num"] for s in subsets), 4)
    metric = {"num": 12 - lost, "score": total, "macro_score": 0.5}
    metric["categories"] = [{"name": ["default"], "num": 12 - lost, "score": total, "subsets": subsets}]
    meaning = {"kind": "quality", "direction": "higher_is_better", "value_range": {"min": 0.0, "max": 1.0}}
    report = {"name": "chat@toy_qa", "dataset_name": "toy_qa", "model_name": "tiny-chat", "metrics": [metric]}
    if version == 2:
        metric |= {"identity": {"name": "accuracy", "aggregation": "mean", "dimensions": {}}, "semantics": meaning}
        other = {
            "identity": {"name": "answer_length", "aggregation": "mean", "dimensions": {}},
            "num": 12,
            "score": 9.5,
        }
        report["metrics"].append({**metric, **other, "semantics": {"kind": "diagnostic", "direction": "none"}})
        report |= {"schema_version": 2, "judge_summary": {"judge_models": ["acme/judge"], "scored": 12 - lost}}
        report["execution_summary"] = {"requested": 12, "succeeded": 12, "errored": 0}
    else:
        metric["name"] = "mean_acc"
    write(folder / "reports" / "tiny-chat" / "toy_qa.json", report)
    config = {
        "model": "acme/tiny-chat",
        "model_id": "tiny-chat",
        "evalscope_version": "1.9.0",
        "limit": 6,
        "repeats": 2,
    }
    config |= {"generation_config": {"temperature": 0.7, "max_tokens": 64, "reasoning_effort": "low"}, "seed": 7}
    config |= {"dataset_args": {"toy_qa": {"few_shot_num": 3, "eval_split": "test", "dataset_id": "acme/toy"}}}
    config |= {"api_key": "secret-key", "model_args": {"precision": "float16"}}
    (folder / "configs").mkdir(parents=True, exist_ok=True)
    (folder / "configs" / "task_config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    for name, own in values.items():
        rows = [evalscope_row(name, index, value, index < lost and name == "easy") for index, value in enumerate(own)]
        write(folder / "reviews" / "tiny-chat" / f"toy_qa_{name}.jsonl", rows, lines=True)
    return folder


def evalscope_row(subset: str, index: int, value: int, lost: bool) -> dict:
    score = {"value": {} if lost else {"acc": float(value)}, "extracted_prediction": "" if lost else str(value)}
    score |= {"prediction": f"it is {value}", "status": "unavailable" if lost else "success"}
    messages = [
        {"role": "user", "content": f"{subset} {index % 3}?"},
        {"role": "assistant", "content": f"it is {value}"},
    ]
    sample = {"score": score, "sample_id": index, "group_id": index % 3, "generation_index": index // 3}
    sample["sample_metadata"] = {"topic": f"topic {index % 3}", "text": "long " * 200}
    return {"index": index, "target": "1", "messages": messages, "sample_score": sample}


@pytest.mark.parametrize("version", [1, 2])
def test_evalscope(tmp_path, version):
    assert convert(evalscope_run(tmp_path / "in", version), output=tmp_path / "out") == 0
    record, result = one(records(tmp_path / "out"))
    assert record["model_info"]["id"] == "acme/tiny-chat"
    assert record["eval_library"] | {"additional_details": {}} == {
        "name": "evalscope",
        "version": "1.9.0",
        "additional_details": {},
    }
    assert len(record["evaluation_results"]) == 1  # the diagnostic is none
    assert result["score_details"]["score"] == 0.5  # of the items; the file's is (0.8333 * 6 + 0.1667 * 6) / 12
    assert result["metric_config"]["metric_unit"] == "proportion"
    assert {name: counts(result)[name] for name in ("attempts", "scored", "wrong", "no_value")} == {
        "attempts": "12",
        "scored": "12",
        "wrong": "6",
        "no_value": "0",
    }
    settings = result["generation_config"]["additional_details"]
    assert settings["few_shot"] == "3"
    assert settings["reasoning_effort"] == "low"
    assert settings["precision"] == "float16"
    assert settings["limit"] == "6"
    assert "secret-key" not in json.dumps(record)
    rows = samples(tmp_path / "out", "toy_qa")
    assert [row["metadata"]["epoch"] for row in rows if row["sample_id"] == "easy/0"] == ["0", "1"]
    assert rows[0]["metadata"]["topic"] == "topic 0"
    assert len(rows[0]["metadata"]["text"]) <= 256
    check_against_schema(tmp_path / "out")


def evalscope_report(folder: Path, metrics: list[tuple[str, int, float]], **more: object) -> Path:
    """A report without reviews and configuration; metrics are (name, num, score), "accuracy:k" joined by pass_at_k."""
    rows = []
    for name, num, score in metrics:
        bare, _, k = name.partition(":")
        subset = {"name": "default", "score": score, "num": num}
        row = {"num": num, "score": score, "categories": [{"name": ["default"], "subsets": [subset]}]}
        axes = {"aggregation": "pass_at_k", "dimensions": {"k": int(k)}} if k else {"aggregation": "mean"}
        rows.append(row | ({"identity": {"name": bare, **axes}} if more.get("schema_version") else {"name": name}))
    path = folder / "reports" / "m" / "aime24.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"dataset_name": "aime24", "model_name": "a/m", "metrics": rows} | more))
    return folder


@pytest.mark.parametrize(
    ("metrics", "version"),
    [
        ([("accuracy", 120, 0.3), ("accuracy:1", 30, 0.3), ("accuracy:2", 30, 0.6)], {"schema_version": 2}),
        ([("mean_acc", 120, 0.3), ("mean_acc_pass@1", 30, 0.3), ("mean_acc_pass@2", 30, 0.6)], {}),
    ],
)
def test_evalscope_pass_at_k_is_another_metric_and_repeats_are_no_items(tmp_path, metrics, version):
    assert convert(evalscope_report(tmp_path / "in", metrics, **version), output=tmp_path / "out") == 0
    (record,) = records(tmp_path / "out").values()
    found = {
        row["metric_config"]["metric_id"]: (row["score_details"]["score"], row["score_details"]["uncertainty"])
        for row in record["evaluation_results"]
    }
    assert {name: (score, told["num_samples"]) for name, (score, told) in found.items()} == {
        "accuracy": (0.3, 30), "pass_at_1": (0.3, 30), "pass_at_2": (0.6, 30),
    }  # fmt: skip


def test_evalscope_a_run_that_lost_requests_is_not_valid(tmp_path, capsys):
    summary = {"requested": 1319, "succeeded": 700, "errored": 619, "incomplete": True}
    folder = evalscope_report(tmp_path / "in", [("accuracy", 700, 0.9)], schema_version=2, execution_summary=summary)
    assert convert(folder, output=tmp_path / "out") == 0
    (path,) = (tmp_path / "out").rglob("*.json")
    vocabulary = calculator.vocabulary_of(calculator.read_mapping())
    (one,) = calculator.read_results(path, json.loads(path.read_text()), vocabulary)
    assert one.run.validity.verdict == "no" and "619" in one.run.validity.reasons[0]


def test_evalscope_a_judgement_that_failed_is_no_zero(tmp_path):
    assert convert(evalscope_run(tmp_path / "in", lost=2), output=tmp_path / "out") == 0
    _, result = one(records(tmp_path / "out"))
    assert result["score_details"]["score"] == pytest.approx(0.4)
    assert counts(result)["attempts"] == "12"
    assert counts(result)["scored"] == "10"
    assert result["metric_config"]["additional_details"]["grader_model"] == "acme/judge"
    check_against_schema(tmp_path / "out")


# --- MTEB ---


def test_mteb_adds_up_subsets_as_mteb_does(tmp_path):
    folder = tmp_path / "in" / "acme__embedder" / "0123abc"
    rows = [
        {"hf_subset": "en-de", "languages": ["eng-Latn"], "main_score": 0.5, "cosine_spearman": 0.5},
        {"hf_subset": "en-fr", "languages": ["eng-Latn"], "main_score": 0.7, "cosine_spearman": 0.7},
    ]
    one_subset = [
        {
            "hf_subset": "default",
            "languages": [],
            "main_score": 0.25,
            "ndcg_at_10": 0.25,
            "nauc_map_at_1": 0.9,
            "max_over_subqueries_nauc_recall_at_5_diff1": -0.2,
        }
    ]
    base = {"dataset_revision": "1.0", "mteb_version": "2.1.0", "evaluation_time": 3.0, "date": 1.79e9}
    write(folder / "STSToy.json", {**base, "task_name": "STSToy", "scores": {"test": rows}})
    write(
        folder / "ToyRetrieval.json",
        {**base, "task_name": "ToyRetrieval", "scores": {"dev": one_subset, "test": one_subset}},
    )
    write(folder / "model_meta.json", {"name": "acme/embedder", "revision": "0123abc"})
    write(folder / "run_settings.jsonl", [{"task": "STSToy", "encode_kwargs": {"batch_size": 8}}], lines=True)
    assert convert(tmp_path / "in", output=tmp_path / "out") == 0
    found = records(tmp_path / "out")
    assert set(found) == {"STSToy", "ToyRetrieval", "ToyRetrieval_dev"}
    main = found["STSToy"]["evaluation_results"][0]
    assert main["score_details"]["score"] == pytest.approx(0.6)
    assert main["metric_config"]["additional_details"]["aggregation"] == "mean over subsets"
    assert counts(main)["subset en-de"] == "0.5"
    assert main["metric_config"]["metric_unit"] == "coefficient"
    assert main["generation_config"]["additional_details"]["batch_size"] == "8"
    names = [row["metric_config"]["metric_name"] for row in found["ToyRetrieval"]["evaluation_results"]]
    assert names == ["main_score", "ndcg_at_10"]
    assert found["ToyRetrieval"]["model_info"]["id"] == "acme/embedder"
    assert found["ToyRetrieval"]["model_info"]["additional_details"]["revision"] == "0123abc"
    check_against_schema(tmp_path / "out")


def mteb_task(folder: Path, task: str, splits: dict[str, list[float]]) -> Path:
    """MTEB's file of a task: the scores of the subsets of each split."""
    scores = {
        split: [
            {"hf_subset": f"s{i}", "languages": ["eng-Latn"], "main_score": value} for i, value in enumerate(values)
        ]
        for split, values in splits.items()
    }
    place = folder / "acme__embedder" / "0123abc" / f"{task}.json"
    return write(place, {"task_name": task, "mteb_version": "2.1.0", "dataset_revision": "1", "scores": scores})


@pytest.mark.parametrize(
    ("task", "splits", "found"),
    [
        # of two official splits MTEB takes the mean over both, each subset once
        (
            "MassiveIntentClassification",
            {"test": [0.7, 0.5], "validation": [0.9]},
            {"": 0.7, ":test": 0.6, ":validation": 0.9},
        ),
        ("MassiveIntentClassification", {"test": [0.7]}, {":test": 0.7}),  # a part of it, and not the whole
        ("MSMARCO", {"test": [0.65], "dev": [0.4]}, {"": 0.4, ":test": 0.65}),
        ("SwednClusteringP2P", {"summaries": [0.3], "articles": [0.5]}, {"": 0.4, ":summaries": 0.3, ":articles": 0.5}),
        ("OwnTask", {"dev": [0.3]}, {":dev": 0.3}),  # another one is asked on its test split
    ],
)
def test_mteb_the_split_that_has_the_tasks_name(tmp_path, task, splits, found):
    for number, order in enumerate((list(splits), list(splits)[::-1])):
        output = tmp_path / f"out_{number}"
        convert(mteb_task(tmp_path / f"in_{number}", task, {name: splits[name] for name in order}), output=output)
        made = {record["evaluation_results"][0]["evaluation_name"]: record for record in records(output).values()}
        scores = {name: record["evaluation_results"][0]["score_details"]["score"] for name, record in made.items()}
        assert scores == pytest.approx({f"{task}{split}": value for split, value in found.items()})


def test_mteb_before_1_11_and_without_a_model(tmp_path, capsys):
    old = {"mteb_dataset_name": "ToyPairs", "mteb_version": "1.1.1", "dataset_revision": "x"}
    old["test"] = {"cos_sim": {"ap": 0.8, "accuracy": 0.75}, "max": {"ap": 0.8}, "evaluation_time": 2.0}
    path = write(tmp_path / "in" / "ToyPairs.json", old)
    assert convert(path, output=tmp_path / "out") == 2
    assert "--model-id" in capsys.readouterr().err
    assert convert(path, output=tmp_path / "out", options=["--model-id", "acme/embedder"]) == 0
    record, _ = one(records(tmp_path / "out"))
    found = {row["metric_config"]["metric_name"]: row["score_details"]["score"] for row in record["evaluation_results"]}
    assert found == {"cosine_ap": 0.8, "cosine_accuracy": 0.75, "max_ap": 0.8}
    check_against_schema(tmp_path / "out")


# --- OLMES ---


def olmes_run(folder: Path) -> Path:
    task_config = {"task_name": "toy_mc", "split": "test", "num_shots": 5, "primary_metric": "acc_per_char", "limit": 4}
    task_config |= {"metadata": {"alias": "toy_mc:rc::olmes"}, "random_subsample_seed": 1234, "generation_kwargs": None}
    model_config = {"model": "acme/tiny-1b", "revision": "step1000", "model_type": "hf", "dtype": "bfloat16"}
    model_config |= {"add_bos_token": True, "chat_template": None, "metadata": {"alias": "tiny-1b"}}
    metrics = {"acc_raw": 0.25, "acc_per_char": 0.5, "primary_score": 0.5, "bits_per_byte_corr": 0.9, "no_answer": 0.0}
    document = {"task_name": "toy_mc", "task_hash": "t", "model_hash": "m", "num_instances": 4}
    document |= {"current_date": "2026-11-20 10:00:00 UTC", "task_config": task_config, "model_config": model_config}
    write(folder / "task-000-toy_mc-metrics.json", {**document, "metrics": metrics, "task_idx": 0})
    predictions, requests = [], []
    for index in range(4):
        own = {"acc_raw": float(index == 0), "acc_per_char": float(index < 2), "bits_per_byte_corr": 0.9}
        own |= {"predicted_index_raw": 0 if index == 0 else 1, "predicted_index_per_char": 0 if index < 2 else 1}
        outputs = [{"sum_logits": -1.0, "num_tokens": 1}, {"sum_logits": -2.0, "num_tokens": 1}]
        row = {"doc_id": index, "native_id": f"toy_{index}", "metrics": own, "model_output": outputs, "label": 0}
        predictions.append(row)
        for choice in range(2):
            request = {"context": f"Q {index}?\nA:", "continuation": f" c{choice}"}
            requests.append(
                {"doc_id": index, "idx": choice, "request": request, "doc": {"query": f"Q {index}?"}, "label": 0}
            )
    write(folder / "task-000-toy_mc-predictions.jsonl", predictions, lines=True)
    write(folder / "task-000-toy_mc-requests.jsonl", requests, lines=True)
    suite = {**document, "task_name": "suite", "metrics": {"primary_score": 0.5, "num_tasks": 2}}
    write(folder / "metrics-all.jsonl", [suite, {**document, "metrics": metrics}], lines=True)
    summary = {"all_primary_scores": ["toy_mc: 0.5"], "tasks": [{"alias": "toy_mc:rc::olmes", "metrics": metrics}]}
    write(folder / "metrics.json", {**summary, "model_config": model_config})
    return folder


def test_olmes(tmp_path, capsys):
    assert convert(olmes_run(tmp_path / "in"), output=tmp_path / "out", options=["--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert [row["reason"] for row in answer["skipped"]] == ["a summary of the task files beside it"]
    record, primary = one(records(tmp_path / "out"))
    names = [row["metric_config"]["metric_name"] for row in record["evaluation_results"]]
    assert names == ["acc_per_char", "acc_raw", "bits_per_byte_corr"]
    assert [row["metric_config"]["lower_is_better"] for row in record["evaluation_results"]] == [False, False, True]
    assert primary["score_details"]["score"] == 0.5
    assert primary["evaluation_result_id"] == "toy_mc|5/acc_per_char"
    assert record["model_info"]["additional_details"]["revision"] == "step1000"
    settings = primary["generation_config"]["additional_details"]
    assert settings["add_bos_token"] == "true"
    assert settings["limit"] == "4"
    assert (settings["formulation"], settings["regime"]) == ("rc", "olmes")
    rows = [row for row in samples(tmp_path / "out", "toy_mc") if row["evaluation_result_id"].endswith("acc_raw")]
    assert [row["output"]["raw"] for row in rows] == [[" c0"], [" c1"], [" c1"], [" c1"]]
    assert rows[0]["input"] == {
        "raw": "Q 0?",
        "formatted": "Q 0?\nA:",
        "reference": [" c0"],
        "choices": [" c0", " c1"],
    }
    check_against_schema(tmp_path / "out")


def test_olmes_summary_alone(tmp_path):
    folder = olmes_run(tmp_path / "in")
    for path in folder.glob("task-*"):
        path.unlink()
    assert convert(folder / "metrics.json", output=tmp_path / "out") == 0
    record, primary = one(records(tmp_path / "out"))
    assert primary["score_details"]["score"] == 0.5
    assert record["model_info"]["id"] == "acme/tiny-1b"


@pytest.mark.parametrize(
    ("alias", "limit", "count", "said"),
    [
        ("drop::olmes", 1000, 1000, ""),  # the regime's own sample
        ("hellaswag:rc::olmes", 1000, 1000, ""),
        ("hellaswag:rc::olmes:full", 1000, 1000, "limit 1000"),
        ("gsm8k::olmes", 1000, 1000, "limit 1000"),
        ("drop::olmes", 50, 50, "limit 50"),
        ("openbookqa:rc::olmes", 1000, 500, ""),  # it has no more
    ],
)
def test_olmes_a_regime_that_asks_a_sample_is_asked_in_full(tmp_path, alias, limit, count, said):
    folder = olmes_run(tmp_path / "in")
    path = folder / "task-000-toy_mc-metrics.json"
    document = json.loads(path.read_text())
    document["task_config"] |= {"limit": limit, "metadata": {"alias": alias}}
    write(tmp_path / "one" / path.name, document | {"num_instances": count})
    assert convert(tmp_path / "one", output=tmp_path / "out") == 0
    ((path, record),) = [(path, json.loads(path.read_text())) for path in (tmp_path / "out").rglob("*.json")]
    runs = calculator.record_runs(path, record, calculator.vocabulary_of(calculator.read_mapping()))
    assert {run.partial for run in runs} == {said}
    assert {run.incomplete for run in runs} == {said}
    drawn = record["evaluation_results"][0]["generation_config"]["additional_details"].get("sample_of_regime")
    assert drawn == ("1000" if not said and count == limit else None)  # a setting, in which others differ


# --- NeMo Evaluator ---


def nemo_result(results: dict) -> dict:
    params = {"limit_samples": 10, "max_new_tokens": 512, "temperature": 0.1, "parallelism": 4}
    config = {"params": {**params, "extra": {"num_fewshot": 5, "api_key": "abc"}}, "type": "lm-eval.toy"}
    target = {"api_endpoint": {"model_id": "acme/tiny-chat", "url": "https://example.org/v1", "type": "chat"}}
    return {"command": "x", "config": config, "git_hash": "", "results": results, "target": target}


def nemo_metric(value: float, **stats) -> dict:
    return {"acc": {"scores": {"acc": {"value": value, "stats": stats}}}}


def test_nemo_results_yml(tmp_path, capsys):
    tasks = {"toy_a": {"metrics": nemo_metric(0.62, stderr=0.01, count=50)}}
    groups = {
        "toy_a": {"metrics": nemo_metric(0.62)},
        "all_toys": {"groups": {"toy_a": {}}, "metrics": nemo_metric(0.4)},
    }
    (tmp_path / "in").mkdir()
    text = yaml.safe_dump(nemo_result({"tasks": tasks, "groups": groups}))
    (tmp_path / "in" / "results.yml").write_text(text, encoding="utf-8")
    assert convert(tmp_path / "in", output=tmp_path / "out", options=["--json"]) == 0
    assert [row["task"] for row in json.loads(capsys.readouterr().out)["skipped"]] == ["all_toys"]
    record, result = one(records(tmp_path / "out"))
    assert result["evaluation_result_id"] == "toy_a|5/acc"
    assert result["score_details"]["uncertainty"]["num_samples"] == 50
    assert result["generation_config"]["generation_args"] == {"temperature": 0.1, "max_tokens": 512}
    assert "abc" not in json.dumps(record)
    check_against_schema(tmp_path / "out")


def test_nemo_groups_alone_are_scores_in_an_unknown_unit(tmp_path):
    scores = {"symbolic_correct": {"value": 80.0, "stats": {"count": 5}}}
    (tmp_path / "results.yml").write_text(
        yaml.safe_dump(nemo_result({"groups": {"toy_math": {"metrics": {"pass@1": {"scores": scores}}}}})),
        encoding="utf-8",
    )
    assert convert(tmp_path / "results.yml", output=tmp_path / "out") == 0
    _, result = one(records(tmp_path / "out"))
    assert result["metric_config"]["metric_unit"] == "unknown"
    assert result["score_details"]["score"] == 80.0


def test_nemo_bundle_counts_what_broke(tmp_path):
    lines = []
    for index in range(4):
        for repeat in range(2):
            broken = index == 3 and repeat == 1
            details = {"error_category": "infra_error"} if broken else {}
            row = {"problem_idx": index, "repeat": repeat, "reward": float(index < 2), "prompt": f"Q {index}"}
            row |= {
                "model_response": "x",
                "expected_answer": "x",
                "scoring_details": details,
                "metadata": {"topic": "a"},
            }
            lines.append(row)
    write(tmp_path / "in" / "results.jsonl", lines, lines=True)
    bundle = {"run_id": "eval-20261120T100000Z-toy", "config_hash": "sha256:1", "sdk_version": "0.3.0"}
    bundle |= {"timestamp": "2026-11-20T10:00:00+00:00", "n_results": 8}
    bundle["config"] = {"model": "acme/tiny-chat", "temperature": 0.6, "system_prompt": "Be brief.", "repeats": 2}
    scores = {"pass@1": {"value": 0.5, "ci_lower": 0.1}, "pass@2": {"value": 0.5}, "summary": {"mean": 0.5}}
    bundle["benchmark"] = {"name": "toy", "samples": 4, "repeats": 2, "scores": scores}
    write(tmp_path / "in" / f"{bundle['run_id']}.json", bundle)
    assert convert(tmp_path / "in", output=tmp_path / "out") == 0
    record, result = one(records(tmp_path / "out"))
    assert record["source_metadata"]["additional_details"]["run_id"] == bundle["run_id"]
    assert result["generation_config"]["additional_details"]["system_prompt"] == "Be brief."
    assert counts(result)["attempts"] == "8"
    assert counts(result)["scored"] == "7"
    assert counts(result)["errored"] == "1"
    check_against_schema(tmp_path / "out")


# --- OpenCompass ---


def opencompass_run(folder: Path, document: dict) -> Path:
    work = folder / "20261120_093000"
    write(work / "predictions" / "tiny-chat" / "toy_qa.json", {"0": {"origin_prompt": "Q", "prediction": "A"}})
    write(work / "results" / "tiny-chat" / "toy_qa.json", document)
    return folder


def test_opencompass(tmp_path):
    details = {"type": "GEN"}
    for index in range(4):
        prompt = [{"role": "SYSTEM", "prompt": "Be brief."}, {"role": "HUMAN", "prompt": f"Q {index}"}]
        row = {"prompt": prompt, "origin_prediction": f"say {index}", "predictions": str(index), "references": "0"}
        details[str(index)] = {**row, "correct": index == 0}
    assert (
        convert(opencompass_run(tmp_path / "in", {"accuracy": 25.0, "details": details}), output=tmp_path / "out") == 0
    )
    record, result = one(records(tmp_path / "out"))
    assert record["model_info"]["id"] == "tiny-chat"
    assert result["evaluation_name"] == "toy_qa"
    assert result["metric_config"]["metric_unit"] == "percent"
    assert counts(result)["wrong"] == "3"
    kept = samples(tmp_path / "out", "toy_qa")
    assert [row["evaluation"]["score"] for row in kept] == [100.0, 0.0, 0.0, 0.0]
    assert [row["input"]["raw"] for row in kept] == [f"system: Be brief.\n\nuser: Q {i}" for i in range(4)]
    assert len({row["metadata"]["prompt_hash"] for row in kept}) == 4
    check_against_schema(tmp_path / "out")


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        ("Q", "Q"),
        ([{"role": "HUMAN", "prompt": "Q"}], "Q"),
        (["Q"], "Q"),
        ([{"role": "HUMAN", "prompt": "Q"}, {"role": "BOT", "prompt": "A"}, "R"], "user: Q\n\nassistant: A\n\nuser: R"),
        ([{"role": "user", "content": "Q"}], "Q"),
        ([{"role": "HUMAN", "text": "Q"}], None),
        (None, None),
    ],
)
def test_what_opencompass_asked_a_chat_model(prompt, text):
    assert converter.opencompass_prompt(prompt) == text


def test_opencompass_items_that_say_otherwise_are_a_conflict(tmp_path, capsys):
    details = [{"pred": "18", "answer": "18", "correct": True}, {"pred": "3", "answer": "5", "correct": False}]
    path = write(tmp_path / "20250101_120000" / "results" / "tiny-hf" / "gsm8k.json", {"accuracy": 79.15})
    assert convert(path, output=tmp_path / "alone") == 0  # told by the run's folder, when its other files are gone
    write(path, {"accuracy": 79.15, "details": details})
    assert convert(path, output=tmp_path / "out") == 1
    assert "its 2 items average to 50.0" in capsys.readouterr().err
    record, result = one(records(tmp_path / "out"))
    assert "50.0" in counts(result)["conflict"]
    assert "detailed_evaluation_results" not in record


def test_opencompass_small_or_failed(tmp_path):
    assert convert(opencompass_run(tmp_path / "a", {"accuracy": 0.8}), output=tmp_path / "out") == 0
    _, result = one(records(tmp_path / "out"))
    assert result["metric_config"]["metric_unit"] == "unknown"  # 0.8 % and 80 % look alike
    assert convert(opencompass_run(tmp_path / "b", {"error": "different length"}), output=tmp_path / "bad") == 1
    assert not records(tmp_path / "bad")
    elsewhere = write(tmp_path / "c" / "toy.json", {"accuracy": 25.0})
    assert convert(elsewhere, output=tmp_path / "none") == 2


# --- EvalPlus ---


def evalplus_run(folder: Path, name: str = "acme--tiny-code_vllm_temp_0.8_eval_results.json") -> Path:
    """Three items with four solutions each: 4, 2 and 0 pass the base tests; one of them fails those of EvalPlus."""
    items = {}
    for index, right in enumerate([4, 2, 0]):
        rows = []
        for number in range(4):
            base = "pass" if number < right else "timeout" if number == 3 else "fail"
            plus = "fail" if index == 0 and number == 0 else base
            row = {"task_id": f"HumanEval/{index}", "solution": f"def f(): return {number}", "base_status": base}
            rows.append({**row, "plus_status": plus, "base_fail_tests": [], "plus_fail_tests": []})
        items[f"HumanEval/{index}"] = rows
    estimate = {"base": {"pass@1": 0.5, "pass@2": (1 + 5 / 6) / 3}, "plus": {"pass@1": (0.75 + 0.5) / 3}}
    return write(folder / name, {"date": "2026-11-20 10:00", "hash": "abc", "eval": items, "pass_at_k": estimate})


def test_evalplus(tmp_path):
    evalplus_run(tmp_path / "in" / "humaneval")
    assert convert(tmp_path / "in", output=tmp_path / "out") == 0
    found = records(tmp_path / "out")
    assert set(found) == {"humaneval", "humaneval_plus"}
    base, twice = found["humaneval"]["evaluation_results"]
    assert found["humaneval"]["model_info"]["id"] == "acme/tiny-code"
    assert base["generation_config"]["generation_args"] == {"temperature": 0.8}
    assert base["metric_config"]["metric_id"] == "pass_at_1"
    assert {name: counts(base)[name] for name in ("attempts", "scored", "wrong", "limit_hit")} == {
        "attempts": "12",
        "scored": "12",
        "wrong": "6",
        "limit_hit": "2",
    }
    rows = samples(tmp_path / "out", "humaneval")
    assert [row["evaluation"]["score"] for row in rows if row["evaluation_result_id"].endswith("pass@1")] == [
        1.0,
        0.5,
        0.0,
    ]
    assert rows[1]["metadata"]["attempt_values"] == "[1.0, 1.0, 0.0, 0.0]"
    assert twice["score_details"]["score"] == pytest.approx(0.6111111)
    assert found["humaneval_plus"]["evaluation_results"][0]["score_details"]["score"] == pytest.approx(0.4166666)
    check_against_schema(tmp_path / "out")


def test_evalplus_in_a_file_of_another_name_needs_the_model(tmp_path):
    path = evalplus_run(tmp_path / "in", "mine.json")
    assert convert(path, output=tmp_path / "out") == 2
    assert convert(path, output=tmp_path / "out", options=["--model-id", "acme/tiny-code"]) == 0


# --- SWE-bench ---


def swe_bench_report(folder: Path, **changes) -> Path:
    ids = [f"django__django-{i}" for i in range(6)] + [f"sympy__sympy-{i}" for i in range(4)]
    report = {"total_instances": 10, "submitted_instances": 9, "resolved_ids": ids[:4], "unresolved_ids": ids[4:7]}
    report |= {"error_ids": [ids[7]], "empty_patch_ids": [ids[8]], "incomplete_ids": [ids[9]], "submitted_ids": ids[:9]}
    report |= {"completed_ids": ids[:7], "infra_failure_ids": [], "schema_version": 2}
    return write(folder / "acme__agent-v1.5.run7.json", {**report, **changes})


def test_swe_bench(tmp_path, capsys):
    assert convert(swe_bench_report(tmp_path / "in"), output=tmp_path / "out") == 0
    assert "--task" in capsys.readouterr().err
    record, result = one(records(tmp_path / "out"))
    assert record["model_info"]["id"] == "acme/agent-v1.5"
    assert record["source_metadata"]["additional_details"]["run_id"] == "run7"
    assert result["score_details"]["score"] == 0.4
    assert {name: counts(result)[name] for name in ("attempts", "scored", "no_value", "errored", "not_submitted")} == {
        "attempts": "10",
        "scored": "9",
        "no_value": "1",
        "errored": "1",
        "not_submitted": "1",
    }
    rows = {row["sample_id"]: row["metadata"] for row in samples(tmp_path / "out", "swe_bench")}
    assert rows["django__django-0"] == {"repo": "django/django", "status": "resolved"}
    assert rows["sympy__sympy-3"]["status"] == "not submitted"
    check_against_schema(tmp_path / "out")


def test_swe_bench_named_and_inconsistent(tmp_path):
    path = swe_bench_report(tmp_path / "in", infra_failure_ids=["django__django-4"])
    assert convert(path, output=tmp_path / "out", options=["--task", "swe_bench_verified"]) == 0
    _, result = one(records(tmp_path / "out"))
    assert result["evaluation_name"] == "swe_bench_verified"
    assert counts(result)["scored"] == "8"  # nothing was found out of one whose container broke
    assert convert(swe_bench_report(tmp_path / "bad", total_instances=500), output=tmp_path / "none") == 2


@pytest.mark.parametrize(
    ("stem", "model", "run"),
    [
        ("gpt-4.1__mini.verified-v1.0", "gpt-4.1/mini", "verified-v1.0"),
        ("claude-3.5-sonnet.2026.01.02", "claude-3.5-sonnet", "2026.01.02"),
        ("acme__tiny.5", "acme/tiny", "5"),
        ("gpt-4.1", "gpt-4", "1"),  # no other place to cut
        ("tiny.v1.night", None, None),
    ],
)
def test_swe_bench_a_dot_in_the_name_of_a_run(tmp_path, capsys, stem, model, run):
    made = swe_bench_report(tmp_path / "in")
    path = made.rename(made.with_name(f"{stem}.json"))
    code = convert(path, output=tmp_path / "out")
    if model is None:  # nobody knows: it is asked, or the folder of the run tells it
        assert code == 2 and "tiny (run v1.night) or tiny.v1 (run night)" in capsys.readouterr().err
        assert convert(path, output=tmp_path / "said", options=["--model-id", "acme/tiny"]) == 0
        (path.parent / "logs" / "run_evaluation" / "v1.night" / "tiny").mkdir(parents=True)
        model, run, code = "tiny", "v1.night", convert(path, output=tmp_path / "out")
    assert code == 0
    record, _ = one(records(tmp_path / "out"))
    assert (record["model_info"]["id"], record["source_metadata"]["additional_details"]["run_id"]) == (model, run)


# --- simple-evals ---


def simple_evals_run(folder: Path, name: str = "mmlu_gpt-4.1-mini_20261121_093000") -> Path:
    pages, convos = [], []
    for index in range(4):
        score = float(index == 0)
        tail = f"<p>Correct Answer: B</p>\n<p>Extracted Answer: {'B' if score else 'None'}</p>\n<p>Score: {score}</p>"
        pages.append(f"<h3>Prompt conversation</h3>\n<p>Score: 9 in the question</p>\n{tail}")
        convos.append([{"role": "user", "content": f"Q {index}?"}, {"role": "assistant", "content": "Answer: B"}])
    metrics = {"stem": 0.5, "stem:std": 0.5, "score:std": 0.4330127018922193, "chars": 9.0}
    write(folder / f"{name}.json", {**metrics, "score": 0.25})
    document = {"score": 0.25, "metrics": metrics, "htmls": pages, "convos": convos}
    return write(folder / f"{name}_allresults.json", {**document, "metadata": {"example_level_metadata": [None] * 4}})


def test_simple_evals(tmp_path, capsys):
    simple_evals_run(tmp_path / "in")
    assert convert(tmp_path / "in", output=tmp_path / "out", options=["--json"]) == 0
    skipped = json.loads(capsys.readouterr().out)["skipped"]
    assert sorted(row["reason"].split(":")[0].split(" as ")[0] for row in skipped) == ["stem", "the same numbers"]
    record, result = one(records(tmp_path / "out"))
    assert record["model_info"]["id"] == "gpt-4.1-mini"
    assert result["score_details"]["uncertainty"]["standard_error"]["value"] == pytest.approx(0.25)
    assert counts(result)["unparsed"] == "3"
    rows = samples(tmp_path / "out", "mmlu")
    assert [row["evaluation"]["score"] for row in rows] == [1.0, 0.0, 0.0, 0.0]
    assert "limit" not in result["generation_config"]["additional_details"]
    check_against_schema(tmp_path / "out")


def test_simple_evals_a_debug_run_is_limited(tmp_path):
    path = simple_evals_run(tmp_path / "in", "mmlu_gpt-4.1-mini_20261121_093000_DEBUG")
    assert convert(path, output=tmp_path / "out") == 0
    _, result = one(records(tmp_path / "out"))
    assert result["generation_config"]["additional_details"]["limit"] == "4"


def simple_evals_file(folder: Path, task: str, metrics: dict, rows: list[tuple], told: dict | None = None) -> Path:
    """What simple-evals writes of (question, answers, right answer, extracted answer, score) of each item."""
    lines = "<p>Correct Answer: {}</p>\n<p>Extracted Answer: {}</p>\n<p>Score: {}</p>"
    convos = [
        [{"role": "user", "content": asked}, *({"role": "assistant", "content": text} for text in answers)]
        for asked, answers, *_ in rows
    ]
    score = (told or {}).get("score", sum(float(row[-1]) for row in rows) / max(len(rows), 1))
    document = {"score": score, "metrics": metrics, "htmls": [lines.format(*row[2:]) for row in rows]}
    document |= {"convos": convos, "metadata": {"example_level_metadata": [None] * len(rows)}}
    name = f"{task}_tiny_20261121_093000"
    if not rows:
        return write(folder / f"{name}.json", {**metrics, "score": score})
    return write(folder / f"{name}_allresults.json", document)


def simple_evals_gpqa(folder: Path, questions: int, repeats: int) -> Path:
    """GPQA as simple-evals asks it: the list of questions again and again, the choices in another order each time."""
    shuffle, rows, scores = random.Random(0), [], []
    for time in range(repeats):
        for index in range(questions):
            order = shuffle.sample(range(4), 4)
            choices = "\n".join(f"{letter}) choice {index} {one}" for letter, one in zip("ABCD", order, strict=True))
            right, good = "ABCD"[order.index(0)], index % 3 > 0 or time == index % repeats
            found = right if good else None
            text = f"Think step by step.\n\nQuestion {index}?\n\n{choices}"
            rows.append((text, [f"Answer: {found}"], right, found, float(good)))
            scores.append(float(good))
    spread = statistics.pstdev(scores)
    return simple_evals_file(folder, "gpqa", {"chars": 9.0, "chars:std": 1.0, "score:std": spread}, rows)


def test_simple_evals_a_question_with_its_choices_in_another_order_is_asked_once_more(tmp_path):
    assert convert(simple_evals_gpqa(tmp_path / "in", 30, 10), output=tmp_path / "out") == 0
    _, result = one(records(tmp_path / "out"))
    assert result["evaluation_name"] == "gpqa_diamond"  # the set that simple-evals' "gpqa" asks
    uncertainty = result["score_details"]["uncertainty"]
    assert uncertainty["num_samples"] == 30
    means = [0.1 if index % 3 == 0 else 1.0 for index in range(30)]
    assert uncertainty["standard_error"]["value"] == pytest.approx(statistics.stdev(means) / math.sqrt(30))
    assert counts(result)["attempts"] == "300" and counts(result)["unparsed"] == "90"
    assert result["generation_config"]["additional_details"]["repeats"] == "10"
    rows = samples(tmp_path / "out", "gpqa_diamond")
    assert Counter(Counter(row["sample_id"] for row in rows).values()) == {10: 30}
    assert {row["metadata"]["epoch"] for row in rows} == set(map(str, range(10)))
    check_against_schema(tmp_path / "out")


def test_simple_evals_two_items_with_one_text_are_two_items(tmp_path):
    questions = ["What is 1+1?", "What is 2+2?", "What is 1+1?"]
    rows = [(text, ["Answer: 2"], "2", "2", float(text.endswith("1?"))) for text in questions * 4]
    path = simple_evals_file(tmp_path / "in", "math", {"score:std": 0.4}, rows)
    assert convert(path, output=tmp_path / "out") == 0
    _, result = one(records(tmp_path / "out"))
    assert result["score_details"]["uncertainty"]["num_samples"] == 3
    found = Counter(row["sample_id"] for row in samples(tmp_path / "out", "math"))
    assert sorted(found.values()) == [4, 4, 4]


def test_simple_evals_drop_has_its_f1_in_percent(tmp_path):
    metrics = {"em_score": 0.7, "f1_score": 0.834, "em_score:std": 0.1, "f1_score:std": 20.0, "score:std": 0.2}
    path = simple_evals_file(tmp_path / "in", "drop", metrics, [], {"score": 0.86})
    assert convert(path, output=tmp_path / "out") == 0
    units = {name: row["metric_config"]["metric_unit"] for name, row in by_metric(tmp_path / "out").items()}
    assert units == {"drop_score": "proportion", "exact_match": "proportion", "f1": "percent"}  # 0.8 %, and not 83


def test_simple_evals_healthbench_cuts_its_mean_off(tmp_path):
    rows = [(f"Q {index}?", ["Rest."], "", "", -0.2 - index / 10) for index in range(4)]
    metrics = {"score:n_samples": 4, "score:bootstrap_std": 0.0, "overall_score": 0.0}
    path = simple_evals_file(tmp_path / "in", "healthbench_hard", metrics, rows, {"score": 0.0})
    assert convert(path, output=tmp_path / "out") == 0
    _, result = one(records(tmp_path / "out"))
    assert result["metric_config"]["additional_details"]["aggregation"] == "clipped_mean"
    assert samples(tmp_path / "out", "healthbench_hard")[0]["evaluation"]["score"] == -0.2
    better = [(*row[:-1], 0.5) for row in rows]
    path = simple_evals_file(tmp_path / "wrong", "healthbench_hard", metrics, better, {"score": 0.0})
    assert convert(path, output=tmp_path / "other") == 1
    assert "conflict" in counts(one(records(tmp_path / "other"))[1])


def test_simple_evals_humaneval_has_several_answers_to_an_item(tmp_path, capsys):
    passed = [[True, False, True], [False, False, False], [True, True, True]]
    rows = [
        (f"def f{i}():", [f"return {j}" for j in range(3)], [1, 1, 1], own, sum(own) / 3)
        for i, own in enumerate(passed)
    ]
    metrics = {"pass@1": 5 / 9, "pass@2": 2 / 3, "pass@2:std": 0.47, "score:std": 0.4}
    path = simple_evals_file(tmp_path / "in", "humaneval", metrics, rows)
    assert convert(path, output=tmp_path / "out", options=["--json"]) == 0
    assert json.loads(capsys.readouterr().out)["skipped"] == []
    found = by_metric(tmp_path / "out")
    assert set(found) == {"pass_at_1", "pass_at_2"}
    assert counts(found["pass_at_1"])["attempts"] == "9" and counts(found["pass_at_1"])["wrong"] == "4"
    rows = [row for row in samples(tmp_path / "out", "humaneval") if row["evaluation_result_id"].endswith("/pass@2")]
    assert [row["evaluation"]["score"] for row in rows] == [1.0, 0.0, 1.0]
    assert rows[0]["output"]["raw"] == ["return 0", "return 1", "return 2"]
    assert rows[0]["input"]["raw"] == "def f0():"


def test_simple_evals_simpleqa_says_how_wrong_it_was(tmp_path):
    metrics = {"is_correct": 0.38, "is_incorrect": 0.6, "is_not_attempted": 0.02}
    path = simple_evals_file(tmp_path / "in", "simpleqa", metrics, [], {"score": 0.38})
    assert convert(path, output=tmp_path / "out") == 0
    found = {name: row["metric_config"] for name, row in by_metric(tmp_path / "out").items()}
    assert found["is_incorrect"]["lower_is_better"] is True
    assert found["is_not_attempted"]["additional_details"]["direction"] == "unknown"


# --- the trainer's log ---


def trainer_run(folder: Path, steps: int, last: int) -> Path:
    history = []
    for step in range(10, steps + 1, 10):
        history.append({"loss": 2.0, "learning_rate": 1e-4, "step": step, "epoch": 0.1})
        row = {"eval_loss": 2.0 - step / 100, "eval_accuracy": step / 100, "eval_runtime": 3.0, "step": step}
        history.append({**row, "eval_samples_per_second": 9.0, "eval_my_number": 3.0, "epoch": 0.1})
    state = {"global_step": steps, "log_history": history, "best_metric": None, "train_batch_size": 8}
    return write(folder / (f"checkpoint-{steps}" if last else "") / "trainer_state.json", state)


def test_trainer_state_by_step_and_only_when_asked(tmp_path, capsys):
    for steps in (10, 20):
        trainer_run(tmp_path / "my_run", steps, last=1)
    assert convert(tmp_path / "my_run", output=tmp_path / "none") == 2
    assert convert(tmp_path / "my_run", output=tmp_path / "out", options=["--format", "trainer", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert sorted(row["model"] for row in answer["records"]) == ["my_run/checkpoint-10", "my_run/checkpoint-20"]
    assert len(answer["skipped"]) == 1  # the log of checkpoint-10 is in the longer one
    (path,) = (tmp_path / "out").glob("data/trainer_eval/my_run/checkpoint-20/*.json")
    record = json.loads(path.read_text(encoding="utf-8"))
    found = {row["metric_config"]["metric_name"]: row for row in record["evaluation_results"]}
    assert set(found) == {"eval_loss", "eval_accuracy", "eval_my_number"}
    assert found["eval_loss"]["metric_config"]["lower_is_better"] is True
    assert found["eval_loss"]["score_details"]["score"] == pytest.approx(1.8)
    assert found["eval_my_number"]["metric_config"]["additional_details"]["direction"] == "unknown"
    assert "direction" not in found["eval_accuracy"]["metric_config"]["additional_details"]
    assert record["source_metadata"]["additional_details"]["measured_by"] == "trainer"
    assert record["model_info"]["additional_details"]["step"] == "20"
    check_against_schema(tmp_path / "out")


def test_trainer_state_that_grew_gives_its_steps_once(tmp_path):
    trainer_run(tmp_path / "my_run", 10, last=1)
    options = ["--format", "trainer"]
    assert convert(tmp_path / "my_run", output=tmp_path / "out", options=options) == 0
    before = all_files(tmp_path / "out")
    trainer_run(tmp_path / "my_run", 20, last=1)
    assert convert(tmp_path / "my_run", output=tmp_path / "out", options=options) == 0
    after = all_files(tmp_path / "out")
    assert len(after) == 2
    assert set(before) < set(after)


def test_what_a_trainer_logged_is_never_ranked_with_benchmarks(tmp_path, capsys):
    state = trainer_run(tmp_path / "in", 20, last=0)
    run = tmp_path / "run"
    for step in (10, 20):
        folder = run / f"checkpoint-{step}"
        folder.mkdir(parents=True)
        (folder / "model.safetensors").write_bytes(bytes([step]) * 100)
        write(folder / "config.json", {"architectures": ["Toy"]})
        score = lm_eval_results(tmp_path / f"lm{step}", {"acc,none": step / 100}, model_args=f"pretrained={folder}")
        assert convert(score, output=tmp_path / "out", options=["--checkpoints", str(run)]) == 0
    document = json.loads(state.read_text(encoding="utf-8"))
    for row in document["log_history"]:
        row.pop("eval_accuracy", None)
        row.pop("eval_my_number", None)
    write(run / "trainer_state.json", document)
    assert convert(run, output=tmp_path / "out", options=["--format", "trainer"]) == 0
    capsys.readouterr()
    arguments = [str(run), "--results", str(tmp_path / "out"), "--json"]
    calculator.main(arguments)
    said = capsys.readouterr()
    assert "2 records of what a trainer logged" in said.err
    assert "trainer_eval" not in said.out
    shutil.rmtree(tmp_path / "out" / "data" / "toy")
    calculator.main(arguments)
    said = capsys.readouterr()  # alone it is read; how a loss ranks is another question
    assert "trainer_eval" in said.out + said.err


# --- lmms-eval and Evalchemy ---


def test_lmms_eval_says_who_it_is(tmp_path):
    stamp = "20261120_093000"
    values = {
        "alias": "toy_vqa",
        "exact_match,none": 0.75,
        "exact_match_stderr,none": 0.1,
        "exact_match_stderr_clt,none": 0.2,
    }
    values |= {"exact_match_stderr_clustered,none": "N/A", "submission,none": None}
    config = {
        "model": "qwen2_5_vl",
        "model_args": "pretrained=acme/tiny-vl,max_pixels=1000",
        "limit": 4,
        "gen_kwargs": "",
    }
    document = {
        "results": {"toy_vqa": values},
        "configs": {"toy_vqa": {"output_type": "generate_until", "test_split": "test"}},
    }
    document |= {"versions": {"toy_vqa": 1}, "n-shot": {"toy_vqa": 0}, "config": config, "lmms_eval_version": "0.7.2"}
    document |= {"higher_is_better": {"toy_vqa": {"exact_match": True}}, "date": stamp, "model_name": "acme/tiny-vl"}
    folder = tmp_path / "in" / "acme__tiny-vl"
    write(folder / f"{stamp}_results.json", document)
    rows = [
        {
            "doc_id": i,
            "input": f"What is in picture {i}?",
            "target": "cat",
            "filtered_resps": "cat",
            "exact_match": float(i > 0),
        }
        for i in range(4)
    ]
    write(folder / f"{stamp}_samples_toy_vqa.jsonl", rows, lines=True)
    assert convert(tmp_path / "in", output=tmp_path / "out") == 0
    record, result = one(records(tmp_path / "out"))
    assert record["eval_library"]["name"] == "lmms-eval"
    assert record["eval_library"]["version"] == "0.7.2"
    assert len(record["evaluation_results"]) == 1
    assert result["generation_config"]["additional_details"]["max_pixels"] == "1000"
    found = samples(tmp_path / "out", "toy_vqa")
    assert [row["evaluation"]["score"] for row in found] == [0.0, 1.0, 1.0, 1.0]
    assert found[0]["input"]["formatted"] == "What is in picture 0?"
    assert found[0]["output"]["raw"] == ["cat"]
    check_against_schema(tmp_path / "out")


def evalchemy_file(folder: Path, results: dict) -> Path:
    """Evalchemy's file of its own benchmarks."""
    config = {"model": "vllm", "model_args": "pretrained=acme/tiny-1b", "annotator_model": "gpt-4o-mini", "limit": None}
    document = {"results": results, "config": config, "git_hash": "abc", "date": 1.79e9, "model_name": "acme/tiny-1b"}
    return write(folder / "results_2026-11-20T10-00-00.000000.json", document | {"task_hashes": {}})


def test_evalchemy_what_its_benchmarks_return_beside_scores(tmp_path, capsys):
    live = {"metrics": {"math": 40.1, "subset_no_date": 39.0, "global_average": 38.0}, "num_questions": 1000}
    alpaca = {"win_rate": 12.5, "mode": "community", "avg_length": 1800, "num_examples": 805, "completion_rate": 1.0}
    results = {
        "LiveBench": live | {"benchmark_version": "live_bench"},
        "alpaca_eval": alpaca | {"benchmark_version": "alpaca_eval", "temperature": 0.7, "max_tokens": 1024},
        "AIME24": {"num_total": 2, "accuracy_avg": 1.0, "accuracy_std_err": 0.0, "run_stats": [{}], "num_repeat": 10},
        "IFEval": {"prompt_level_strict_acc": 0.5, "num_examples": 500, "completion_rate": 0.8},
        "LiveCodeBench": {"accuracy_avg": 0.5, "accuracy_easy_avg": 0.8, "num_total": 511, "examples": []},
    }
    assert convert(evalchemy_file(tmp_path / "in", results), output=tmp_path / "out", options=["--json"]) == 0
    skipped = {(row["task"], row["reason"].split(":")[0]) for row in json.loads(capsys.readouterr().out)["skipped"]}
    assert skipped == {("LiveBench", "math"), ("LiveBench", "subset_no_date")}
    made = {record["evaluation_results"][0]["evaluation_name"]: record for record in records(tmp_path / "out").values()}
    found = {
        name: {
            row["metric_config"]["metric_id"]: (
                row["score_details"]["score"],
                row["metric_config"]["metric_unit"],
                row["score_details"]["uncertainty"].get("num_samples"),
            )
            for row in record["evaluation_results"]
        }
        for name, record in made.items()
    }
    assert found["LiveBench"] == {"global_average": (38.0, "percent", 1000)}
    assert set(found["alpaca_eval"]) == {"win_rate"}
    assert found["AIME24"] == {"accuracy": (1.0, "proportion", 2)}  # two of its thirty questions, no score of it
    assert found["LiveCodeBench"]["accuracy_easy_avg"] == (0.8, "proportion", None)
    settings = made["alpaca_eval"]["evaluation_results"][0]["generation_config"]["additional_details"]
    assert (settings["mode"], settings["temperature"], settings["max_tokens"]) == ("community", "0.7", "1024")
    lost = counts(made["IFEval"]["evaluation_results"][0])
    assert (lost["attempts"], lost["scored"], lost["no_value"]) == ("625", "500", "125")


def test_evalchemy_a_benchmark_that_broke_is_a_failure(tmp_path, capsys):
    results = {"MTBench": {"error": "no judge"}, "MATH500": {"num_total": 500, "accuracy": 0.8, "examples": []}}
    assert convert(evalchemy_file(tmp_path / "in", results), output=tmp_path / "out", options=["--json"]) == 1
    (failure,) = json.loads(capsys.readouterr().out)["failures"]
    assert (failure["task"], failure["reason"]) == ("MTBench", "no judge")


@pytest.mark.parametrize("alone", [True, False])
def test_lm_eval_answers_without_scores_are_no_failure(tmp_path, capsys, alone):
    results = {"gsm8k": {"alias": "gsm8k", "bypass,none": 999, "bypass_stderr,none": "N/A"}}
    results |= {} if alone else {"arc_easy": {"alias": "arc_easy", "acc,none": 0.5, "acc_stderr,none": 0.1}}
    config = {"model": "hf", "model_args": "pretrained=acme/tiny-1b", "limit": None}
    document = {"results": results, "configs": {name: {"task": name} for name in results}, "versions": {}}
    document |= {"n-shot": {}, "config": config, "lm_eval_version": "0.4.9", "model_name": "acme/tiny-1b"}
    path = write(tmp_path / "in" / "results_2026-11-20T10-00-00.000000.json", document)
    assert convert(path, output=tmp_path / "out", options=["--json"]) == (2 if alone else 0)
    out, err = capsys.readouterr()
    assert "--predict_only" in (err if alone else json.loads(out)["skipped"][0]["reason"])
    assert not list(tmp_path.rglob("*_failure.json"))


def test_evalchemy_counts_are_no_scores(tmp_path):
    values = {"num_total": 30, "solved_avg": 9.0, "num_repeat": 5, "accuracy_avg": 0.3, "accuracy_std_err": 0.02}
    values |= {"run_stats": [{"repetition": 1, "accuracy": 0.3}], "examples": [{"id": 1, "model_outputs": ["x"]}]}
    config = {"model": "vllm", "model_args": "pretrained=acme/tiny-r1", "annotator_model": "acme/judge", "limit": None}
    config["gen_kwargs"] = "temperature=0.7"
    document = {"results": {"AIME24": values}, "config": config, "git_hash": "abc", "date": 1.79e9}
    path = write(tmp_path / "results_2026-11-20T10-00-00.json", {**document, "model_name": "acme/tiny-r1"})
    assert convert(path, output=tmp_path / "out") == 0
    record, result = one(records(tmp_path / "out"))
    assert record["eval_library"]["name"] == "evalchemy"
    assert [row["metric_config"]["metric_name"] for row in record["evaluation_results"]] == ["accuracy_avg"]
    assert "standard_error" not in result["score_details"]["uncertainty"]
    assert result["generation_config"]["additional_details"]["grader_model"] == "acme/judge"
    check_against_schema(tmp_path / "out")


# --- Every Eval Ever 0.2 ---


def old_record(version: str = "0.2.0") -> dict:
    metric = {"evaluation_description": "share", "lower_is_better": False, "score_type": "continuous"}
    metric |= {"min_score": 0, "max_score": 1}
    result = {
        "evaluation_name": "toy",
        "source_data": {"dataset_name": "toy", "source_type": "url", "url": ["https://x.org"]},
    }
    result |= {"metric_config": metric, "score_details": {"score": 0.5, "details": {"n": "2"}}}
    other = {**result, "evaluation_name": "elo", "metric_config": {"lower_is_better": False, "metric_unit": "points"}}
    return {
        "schema_version": version,
        "evaluation_id": "toys/acme_tiny/1790000000",
        "retrieved_timestamp": "1790000000",
        "source_metadata": {
            "source_type": "evaluation_run",
            "source_organization_name": "acme",
            "evaluator_relationship": "third_party",
        },
        "model_info": {"name": "tiny", "id": "acme/tiny", "developer": "acme", "inference_platform": "unknown"},
        "eval_library": {"name": "mine"},
        "evaluation_results": [result, {**other, "score_details": {"score": 1200.0}}],
        "detailed_evaluation_results": {"format": "jsonl", "file_path": "x/one_samples.jsonl", "total_rows": 2},
    }


def test_records_of_0_2_are_migrated(tmp_path):
    folder = tmp_path / "in" / "data" / "toy_board" / "acme" / "tiny"
    write(folder / "one.json", old_record())
    base = {"schema_version": "instance_level_eval_0.2.0", "evaluation_id": "x", "model_id": "acme/tiny"}
    base |= {"evaluation_name": "toy", "interaction_type": "multi_turn", "input": {"raw": "Q", "reference": ["A"]}}
    base |= {"interactions": [{"turn_idx": 0, "role": "user", "content": "Q"}], "metadata": {"level": 3}}
    found = [{"turn_idx": 0, "source": "interactions[0].content", "extracted_value": "A", "extraction_method": "x"}]
    base["answer_attribution"] = [{**found[0], "is_terminal": True}]
    rows = [{**base, "sample_id": str(i), "evaluation": {"score": float(i), "is_correct": bool(i)}} for i in range(2)]
    write(folder / "one_samples.jsonl", rows, lines=True)
    assert convert(tmp_path / "in", output=tmp_path / "out") == 0
    record, result = one(records(tmp_path / "out"))
    assert set(records(tmp_path / "out")) == {"toy_board"}
    assert record["schema_version"] == "0.3.0"
    assert result["metric_config"]["metric_unit"] == "proportion"
    assert result["metric_config"]["additional_details"]["aggregation"] == "mean"
    assert record["evaluation_results"][1]["score_details"]["score"] == 1200.0
    assert record["eval_library"] == {"name": "mine", "version": "unknown"}
    lines = samples(tmp_path / "out", "toy_board")
    assert [row["evaluation_result_id"] for row in lines] == [result["evaluation_result_id"]] * 2
    assert lines[0]["messages"][0]["content"] == "Q"
    assert lines[0]["metadata"] == {"level": "3"}
    before = all_files(tmp_path / "out")
    assert convert(tmp_path / "in", output=tmp_path / "out") == 0
    assert all_files(tmp_path / "out") == before
    check_against_schema(tmp_path / "out")


def test_a_data_set_of_the_hub_is_no_token(tmp_path):
    document = old_record()
    source = {"dataset_name": "toy", "source_type": "hf_dataset", "hf_repo": "acme/toy"}
    for row in document["evaluation_results"]:
        row["source_data"] = source | {"additional_details": {"note": "hf_" + "a1B2" * 9}}
    del document["detailed_evaluation_results"]
    assert convert(write(tmp_path / "one.json", document), output=tmp_path / "out") == 0
    _, result = one(records(tmp_path / "out"))
    assert result["source_data"] == source | {"additional_details": {"note": "hf_***"}}


@pytest.mark.parametrize(("version", "code"), [("0.1.0", 2), ("0.3.0", 2), ("0.2.3", 0)])
def test_records_of_other_versions(tmp_path, version, code):
    path = write(tmp_path / "one.json", old_record(version))
    assert convert(path, output=tmp_path / "out") == code
    assert bool(records(tmp_path / "out")) is (code == 0)


# --- what holds for all formats ---


def test_the_same_file_twice_counts_once(tmp_path, capsys):
    for name in ("a", "b"):
        swe_bench_report(tmp_path / "in" / name)
    assert convert(tmp_path / "in", output=tmp_path / "out", options=["--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert len(answer["records"]) == 1
    assert "the same run as in" in answer["skipped"][0]["reason"]


def test_a_pipe_is_not_opened(tmp_path):
    (tmp_path / "in").mkdir()
    swe_bench_report(tmp_path / "in")
    os.mkfifo(tmp_path / "in" / "results.json")
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "convert_results.py"), "in", "--output-dir", "out"],
        cwd=tmp_path,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0
    assert convert(tmp_path / "in" / "results.json", output=tmp_path / "none") == 2


def test_folders_that_begin_with_a_dot_are_read(tmp_path):
    swe_bench_report(tmp_path / "in" / ".__run__model")
    swe_bench_report(tmp_path / "in" / ".git", total_instances=500)
    assert convert(tmp_path / "in", output=tmp_path / "out") == 0


def test_yaml_that_unfolds_without_end_is_refused(tmp_path, capsys):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    lines += ["config: *a11", "target: {}", "results: {tasks: {}}"]
    (tmp_path / "results.yml").write_text("\n".join(lines), encoding="utf-8")
    assert convert(tmp_path / "results.yml", output=tmp_path / "out") == 2
    assert "expand to more than" in capsys.readouterr().err


def test_every_format_has_a_name_and_a_reader():
    assert set(converter.FORMAT_READERS) == set(converter.LIBRARIES)
    assert set(converter.FORMAT_TESTS) < set(converter.LIBRARIES)
    text = (ROOT / "references" / "convert_results.md").read_text(encoding="utf-8")
    said = {
        cells[1].strip("` "): cells[2:5]
        for line in text.splitlines()
        if line.startswith("| `") and len(cells := line.split("|")) == 6
    }
    assert set(converter.LIBRARIES) <= set(said)
    assert all(cell.strip() for name in converter.LIBRARIES for cell in said[name])  # scores, items, what is not read


# --- the harnesses that were read before ---


def lighteval_old_run(folder: Path, rows: list[dict], value: float, metric: str = "acc") -> Path:
    """A run of lighteval before 0.10, with its details."""
    import pyarrow
    import pyarrow.parquet

    stamp = "2026-01-02T03-04-05.0"
    general = {"model_name": "acme/tiny", "model_sha": "abc", "max_samples": None, "lighteval_sha": "?"}
    document = {"config_general": general, "results": {"leaderboard|toy|0": {metric: value, f"{metric}_stderr": 0.1}}}
    document |= {"versions": {"leaderboard|toy|0": 0}, "config_tasks": {}}
    write(folder / "results" / "acme" / "tiny" / f"results_{stamp}.json", document)
    place = folder / "details" / "acme" / "tiny" / stamp
    place.mkdir(parents=True)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), place / f"details_leaderboard|toy|0_{stamp}.parquet")
    return folder


def old_row(index: int, **changes) -> dict:
    row = {"example": f"Q {index}?", "instruction": "", "full_prompt": f"Q {index}?\nA:", "gold": "[' x']"}
    row |= {
        "predictions": "['x']",
        "gold_index": "[0]",
        "choices": "[' x', ' yy']",
        "metrics": f"{{'acc': {index % 2}}}",
    }
    return row | changes


def test_lighteval_details_that_are_python_text(tmp_path):
    rows = [old_row(i) for i in range(3)] + [old_row(3, metrics="{'acc': np.float64(1.0), 'other': nan}")]
    assert convert(lighteval_old_run(tmp_path / "in", rows, 0.5), output=tmp_path / "out") == 0
    _, result = one(records(tmp_path / "out"))
    assert counts(result)["scored"] == "4"
    found = samples(tmp_path / "out", "toy")
    assert [row["evaluation"]["score"] for row in found] == [0.0, 1.0, 0.0, 1.0]
    assert found[0]["input"] == {
        "raw": "Q 0?",
        "formatted": "Q 0?\nA:",
        "reference": [" x"],
        "choices": [" x", " yy"],
    }
    assert found[0]["output"]["raw"] == ["x"]
    check_against_schema(tmp_path / "out")


def test_lighteval_details_that_cannot_be_read_are_not_dropped_in_silence(tmp_path, capsys):
    rows = [old_row(i, metrics="{'acc': <object>}") for i in range(3)]
    assert convert(lighteval_old_run(tmp_path / "in", rows, 0.5), output=tmp_path / "out", options=["--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    reason = answer["failures"][0]["reason"]
    assert reason.startswith("its items are left out: details_") and ": its metrics cannot be read" in reason
    other = [old_row(i, metrics="{'f1': 1}") for i in range(3)]
    assert convert(lighteval_old_run(tmp_path / "b", other, 0.5), output=tmp_path / "out2", options=["--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert "none of them has a value of one of its metrics" in answer["failures"][0]["reason"]


def test_lighteval_choices_that_are_pairs_of_log_likelihoods(tmp_path):
    rows = [
        old_row(i, predictions=[[-1.0, 0.0], [-2.0 + i, 0.0]], gold=[" x"], gold_index=[0], choices=[" x", " yy"])
        | {"metrics": {"acc": int(i < 1)}}
        for i in (0, 2, 0.5, 1.5)
    ]
    for row in rows:
        row["metrics"] = {"acc": int(row["predictions"][0][0] > row["predictions"][1][0])}
    assert convert(lighteval_old_run(tmp_path / "in", rows, 0.5), output=tmp_path / "out") == 0
    assert [row["output"]["raw"] for row in samples(tmp_path / "out", "toy")] == [[" x"], [" yy"], [" x"], [" yy"]]


def test_lighteval_says_who_judges():
    printed = "JudgeLLMSimpleQA(short_judge_name=gpt4o, judge=<lighteval.JudgeLM object at 0x7f3a>)"
    assert converter.lighteval_scorer({"sample_level_fn": printed}) == {
        "scorer": "JudgeLLMSimpleQA",
        "scorer_settings": "JudgeLLMSimpleQA(short_judge_name=gpt4o, judge=<lighteval.JudgeLM object>)",
        "grader_model": "gpt4o",
    }
    rule = "ExactMatches(aggregation_function=max, strip_strings=False)"
    found = converter.lighteval_scorer({"sample_level_fn": rule})
    assert (found["scorer"], found["scorer_settings"], found["grader_model"]) == ("ExactMatches", rule, None)


def lm_eval_results(folder: Path, values: dict, task: str = "toy", **more) -> Path:
    config = {"output_type": "generate_until", "test_split": "test", **more.pop("task_config", {})}
    general = {"model": "vllm", "model_args": "pretrained=acme/tiny", "gen_kwargs": {}, **more}
    document = {"results": {task: values}, "configs": {task: config}, "config": general, "versions": {task: 1}}
    return write(folder / "results_2026-01-02T03-04-05.0.json", {**document, "n-shot": {task: 0}})


def test_lm_eval_keeps_all_that_was_set(tmp_path):
    given = "pretrained=acme/tiny,lora_local_path=acme/lora,enable_thinking=True,quantization=fp8,max_gen_toks=9,"
    given += "hf_overrides={'a': 1, 'b': 2},api_key=abc,add_bos_token=True"
    task = {"generation_kwargs": {"until": ["\n"], "do_sample": True, "temperature": 0.2}}
    path = lm_eval_results(
        tmp_path / "in",
        {"exact_match,none": 0.5},
        model_args=given,
        task_config=task,
        gen_kwargs="temperature=0.7,min_p=0.1",
    )
    assert convert(path, output=tmp_path / "out") == 0
    record, result = one(records(tmp_path / "out"))
    settings = result["generation_config"]["additional_details"]
    expected = {
        "enable_thinking": "True",
        "quantization": "fp8",
        "add_bos_token": "True",
        "min_p": "0.1",
        "api_key": "***",
    }
    assert (expected | {"hf_overrides": "{'a': 1, 'b': 2}", "max_gen_toks": "9"}).items() <= settings.items()
    assert result["generation_config"]["generation_args"]["temperature"] == 0.7
    assert record["model_info"]["id"] == "acme/lora"
    details = record["model_info"]["additional_details"]
    assert (details["base_model"], details["adapter"], details["quantization"]) == ("acme/tiny", "acme/lora", "fp8")


def test_lm_eval_metrics_that_are_none_and_units(tmp_path):
    values = {
        "bypass,none": 999,
        "bypass_stderr,none": "N/A",
        "exact,none": 71.2,
        "f1,none": 74.0,
        "NoAns_f1,none": 0.807,
    }
    values |= {"HasAns_f1,none": 88.0, "bleu,none": 0.35, "perplexity,none": 12.0}
    path = lm_eval_results(tmp_path / "in", values, task="squadv2")
    assert convert(path, output=tmp_path / "out") == 0
    record, _ = one(records(tmp_path / "out"))
    found = {row["metric_config"]["metric_name"]: row["metric_config"] for row in record["evaluation_results"]}
    assert "bypass,none" not in found
    assert {found[name]["metric_unit"] for name in ("exact,none", "f1,none", "NoAns_f1,none", "HasAns_f1,none")} == {
        "percent"
    }
    assert found["bleu,none"]["metric_unit"] == "points"  # lm-eval's own: 0 to 100
    assert found["perplexity,none"]["metric_unit"] == "perplexity"
    assert found["perplexity,none"]["lower_is_better"] is True


def test_a_bleu_of_at_most_one_by_another_rule_has_no_known_unit(tmp_path):
    task = {"metric_list": [{"metric": "bleu", "aggregation": "<function mine at 0x7f>", "higher_is_better": True}]}
    for value, unit in ((0.35, "unknown"), (35.0, "points")):
        path = lm_eval_results(tmp_path / f"in{value}", {"bleu,none": value}, task_config=task)
        assert convert(path, output=tmp_path / f"out{value}") == 0
        _, result = one(records(tmp_path / f"out{value}"))
        assert result["metric_config"]["metric_unit"] == unit


@pytest.mark.parametrize(
    ("metric", "value"), [("acc", 1.5), ("acc_norm", -0.1), ("exact_match", 61.5), ("f1", -0.2), ("f1", 140.0)]
)
def test_a_score_outside_its_range_is_no_score(tmp_path, capsys, metric, value):
    document = {
        "results": {"toy": {f"{metric},none": value}, "other": {"acc,none": 0.5, f"{metric}_x,none": 0.25}},
        "configs": {"toy": {"output_type": "multiple_choice"}, "other": {"output_type": "multiple_choice"}},
        "versions": {"toy": 1},
        "config": {"model": "hf", "model_args": {"pretrained": "acme/tiny"}},
    }
    path = write(tmp_path / "results_2026-01-02T03-04-05.json", document)
    assert convert(path, output=tmp_path / "out") == 1
    assert f"{value!r} is outside the range of {metric}" in capsys.readouterr().err
    assert set(records(tmp_path / "out")) == {"other"}
    document["results"]["other"][f"{metric},none"] = value
    del document["results"]["toy"]
    write(path, document)
    assert convert(path, output=tmp_path / "both") == 1
    found = [r["metric_config"]["metric_name"] for r in records(tmp_path / "both")["other"]["evaluation_results"]]
    assert f"{metric},none" not in found and found


def test_lm_eval_perplexity_has_what_is_added_up(tmp_path):
    path = lm_eval_results(
        tmp_path / "in", {"word_perplexity,none": 2.718281828}, task_config={"output_type": "loglikelihood_rolling"}
    )
    lines = [
        {"doc_id": i, "doc": {"page": f"text {i}", "part": "a"}, "target": "", "arguments": [], "filter": "none"}
        | {"word_perplexity": [-10.0 * (i + 1), 10 * (i + 1)]}
        for i in range(3)
    ]
    write(path.with_name("samples_toy_2026-01-02T03-04-05.0.jsonl"), lines, lines=True)
    assert convert(tmp_path / "in", output=tmp_path / "out") == 0
    rows = samples(tmp_path / "out", "toy")
    assert [(row["metadata"]["numerator"], row["metadata"]["denominator"]) for row in rows] == [
        ("-10.0", "10.0"),
        ("-20.0", "20.0"),
        ("-30.0", "30.0"),
    ]
    assert rows[0]["metadata"]["part"] == "a"


def test_helm_requests_that_failed_and_were_scored_keep_their_score(tmp_path):
    source = ROOT / "tests" / "fixtures" / "convert" / "helm" / "toy-run"
    folder = tmp_path / "in" / "toy-run"
    folder.mkdir(parents=True)
    for path in source.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    state = json.loads((folder / "scenario_state.json").read_text(encoding="utf-8"))
    for row in state["request_states"]:
        row["result"]["success"] = False
    write(folder / "scenario_state.json", state)
    spec = json.loads((folder / "run_spec.json").read_text(encoding="utf-8"))
    spec["adapter_spec"]["reasoning_effort"] = "high"
    write(folder / "run_spec.json", spec)
    assert convert(source, output=tmp_path / "before") == 0
    assert convert(folder, output=tmp_path / "after") == 0
    _, before = one(records(tmp_path / "before"))
    _, after = one(records(tmp_path / "after"))
    assert after["score_details"]["score"] == before["score_details"]["score"]
    assert counts(after)["scored"] == counts(before)["scored"]
    assert int(counts(after)["errored"]) > 0
    assert after["generation_config"]["additional_details"]["reasoning_effort"] == "high"


def cut_helm_run(folder: Path, **adapter: object) -> dict[str, str]:
    """The counts of a run of HELM in which every answer ended at the limit."""
    shutil.copytree(ROOT / "tests" / "fixtures" / "convert" / "helm" / "toy-run", folder / "in" / "toy-run")
    spec, stats = (folder / "in" / "toy-run" / name for name in ("run_spec.json", "per_instance_stats.json"))
    document, rows = json.loads(spec.read_text()), json.loads(stats.read_text())
    document["adapter_spec"] |= adapter
    for row in rows:
        for stat in row["stats"]:
            if stat["name"]["name"].startswith("finish_reason"):
                stat["mean"] = float(stat["name"]["name"] == "finish_reason_length")
    write(spec, document)
    write(stats, rows)
    assert convert(folder / "in", output=folder / "out") == 0
    return counts(one(records(folder / "out"))[1])


@pytest.mark.parametrize(
    ("adapter", "cut"),
    [
        ({"method": "multiple_choice_joint", "max_tokens": 1}, False),
        ({"method": "multiple_choice_joint", "max_tokens": 5}, False),
        ({"method": "generation", "max_tokens": 1}, False),
        ({"method": "generation", "max_tokens": 100}, True),
        ({"method": "multiple_choice_joint_chain_of_thought", "max_tokens": 2000}, True),
    ],
)
def test_helm_answers_of_one_choice_are_not_truncated(tmp_path, adapter, cut):
    """A letter is whole when the limit of one token ends it; thinking that the limit ends is not."""
    found = cut_helm_run(tmp_path, **adapter)
    assert found["scored"] == "2" and int(found.get("truncated", "0")) == (2 if cut else 0)


def test_a_name_without_an_owner_is_told_once(tmp_path, capsys):
    document = {
        "results": {"toy": {"acc,none": 0.5}, "other": {"acc,none": 0.25}},
        "configs": {"toy": {"output_type": "multiple_choice"}, "other": {"output_type": "multiple_choice"}},
        "versions": {"toy": 1},
        "config": {"model": "hf", "model_args": {"pretrained": "gpt2"}},
    }
    path = write(tmp_path / "results_2026-01-02T03-04-05.json", document)
    assert convert(path, output=tmp_path / "out", options=["--json"]) == 0
    notes = [row["reason"] for row in json.loads(capsys.readouterr().out)["notes"]]
    assert notes == ["gpt2 names no owner, which a datastore of records asks for: --model-id OWNER/gpt2"]
    named = ["--json", "--model-id", "openai-community/gpt2"]
    assert convert(path, output=tmp_path / "named", options=named) == 0
    assert json.loads(capsys.readouterr().out)["notes"] == []
    assert {path.parts[-3] for path in (tmp_path / "named").rglob("*.json")} == {"openai-community"}


def test_a_file_without_a_model_is_converted_under_a_name(tmp_path, capsys):
    path = lm_eval_results(tmp_path / "in", {"acc,none": 0.5}, model_args="")
    assert convert(path, output=tmp_path / "out") == 2
    assert "--model-id OWNER/NAME says it" in capsys.readouterr().err
    assert convert(path, output=tmp_path / "out", options=["--model-id", "acme/tiny"]) == 0
    record, _ = one(records(tmp_path / "out"))
    assert record["model_info"]["id"] == "acme/tiny"


def test_grouped_metrics_of_older_logs_are_told_by_their_key():
    old = {"name": "b", "value": 0.5, "params": {"group_key": "topic"}}
    assert converter.inspect_group(old) == "b"
    assert converter.inspect_group(old | {"name": "all"}) == ""
    assert converter.inspect_group({"name": "accuracy", "value": 0.5, "params": {}}) is None


# --- properties ---


def lmms_run(folder: Path) -> Path:
    test_lmms_eval_says_who_it_is(folder)
    return folder / "in"


def old_records(folder: Path) -> Path:
    write(folder / "one.json", old_record())
    line = {"evaluation_name": "toy", "sample_id": "1", "interaction_type": "single_turn", "output": {"raw": ["x"]}}
    line |= {"input": {"raw": "Q", "reference": ["A"]}, "answer_attribution": [], "metadata": {"level": 3}}
    write(folder / "one_samples.jsonl", [{**line, "evaluation": {"score": 0.5, "is_correct": True}}], lines=True)
    return folder


def mteb_run(folder: Path) -> Path:
    rows = [{"hf_subset": "a", "languages": ["eng-Latn"], "main_score": 0.5, "ndcg_at_10": 0.5}]
    document = {"task_name": "Toy", "mteb_version": "2.1.0", "dataset_revision": "1", "scores": {"test": rows}}
    write(folder / "acme__embedder" / "0123abc" / "Toy.json", document)
    write(folder / "acme__embedder" / "0123abc" / "model_meta.json", {"name": "acme/embedder", "revision": "0123abc"})
    return folder


def nemo_run(folder: Path) -> Path:
    (folder / "run").mkdir(parents=True)
    tasks = {"toy_a": {"metrics": nemo_metric(0.62, stderr=0.01, count=50)}}
    write(folder / "run" / "results.yml", nemo_result({"tasks": tasks, "groups": {}}))  # JSON is YAML, too
    return folder


RUNS = {
    "evalscope": evalscope_run,
    "mteb": mteb_run,
    "olmes": olmes_run,
    "nemo": nemo_run,
    "opencompass": lambda folder: opencompass_run(folder, {"accuracy": 25.0, "details": {"0": {"correct": True}}}),
    "evalplus": evalplus_run,
    "swe-bench": swe_bench_report,
    "simple-evals": simple_evals_run,
    "lmms-eval": lmms_run,
    "every-eval-ever": old_records,
    "trainer": lambda folder: trainer_run(folder / "my_run", 20, last=1),
}


@pytest.mark.parametrize("name", sorted(RUNS))
def test_what_is_a_fact_of_the_model_is_no_setting_of_its_scores(name, tmp_path):
    """Two models in the same files: nothing keeps them from being compared."""
    found = []
    for model in ("tiny", "other"):
        folder = tmp_path / model
        RUNS[name](folder / "in" if name != "lmms-eval" else folder)
        if model == "other":
            own = {
                record["model_info"]["id"].rsplit("/", 1)[-1] for record in records(tmp_path / "tiny" / "out").values()
            }
            for path in [path for path in (folder / "in").rglob("*") if path.is_file()]:
                text = path.read_text(encoding="utf-8").replace('"model_hash": "m"', '"model_hash": "n"')
                for word in own:
                    text = text.replace(word, f"{word}-other")
                path.write_text(text, encoding="utf-8")
        assert convert(folder / "in", output=folder / "out", options=["--format", name] * (name == "trainer")) in (0, 1)
        rows = [(record, row) for record in records(folder / "out").values() for row in record["evaluation_results"]]
        found.append({row["evaluation_result_id"]: comparison.run_settings(record, row, "") for record, row in rows})
    assert found[0] and found[0] == found[1]


@settings(max_examples=examples(250), deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_file_of_these_makes_it_fail_or_write_what_is_no_record(tmp_path_factory, data):
    name = data.draw(st.sampled_from(sorted(RUNS)))
    folder = tmp_path_factory.mktemp("fuzz")
    RUNS[name](folder / "in" if name != "lmms-eval" else folder)
    files = sorted(path for path in (folder / "in").rglob("*") if path.suffix in (".json", ".jsonl", ".yml"))
    path = data.draw(st.sampled_from(files))
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(rows) - 1))
        rows[place] = changed(rows[place], data.draw(st.sampled_from(list(spots(rows[place])))), data.draw(hostile))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    options = ["--format", name] if name == "trainer" else []
    assert convert(folder / "in", output=folder / "result", options=options) in (0, 1, 2)
    check_numbers(folder / "result")
    if (SHARED / "check_records.py").is_file() and (folder / "result").exists():
        assert schema_problems(folder / "result") == []
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("choices", "right", "said"),
    [
        ([" red", " blue", " green"], "blue", 1),  # scored as wrong, and the likeliest one
        ([" 1", " 3", " 0"], "1", 0),  # the choice that says 1, or choice number 1: nobody knows
        ([" 0", " 1", " 2"], "1", 1),  # both are the same one
    ],
)
def test_scores_against_the_likelihoods_are_told_where_the_right_choice_is_known(choices, right, said):
    likeliest = next(i for i, choice in enumerate(choices) if choice.strip() == right)
    chances = [-1.0 if i == likeliest else -9.0 for i in range(len(choices))]
    item = converter.AskedItem("a", "", [right], [choices[likeliest]], {"acc": 0.0}, choices, chances=chances)
    item.shown["acc"] = [choices[likeliest]]
    check = converter.ChoiceCheck()
    check.add(item, converter.ScoreRead("acc", "accuracy", 0.0, None))
    assert len(check.wrong.get("acc", [])) == said


# --- BFCL: what it writes says too little ---


@pytest.mark.parametrize("failed", [0, 20])
@pytest.mark.parametrize("alone", [True, False])
def test_bfcl_score_files_are_refused_by_what_they_are(tmp_path, capsys, failed, alone):
    """One JSON value a line under .json: counts of a category, then the failed items; answers beside it are none."""
    item = {"model_name": "org/m-FC", "test_category": "simple", "valid": False, "error_type": "value_error:string"}
    counts = {"accuracy": 1 - failed / 400, "correct_count": 400 - failed, "total_count": 400}
    lines = [counts, *({"id": f"simple_{number}", **item} for number in range(failed))]
    (folder := tmp_path / "in").mkdir()
    (score := folder / "BFCL_v3_simple_score.json").write_text("".join(json.dumps(line) + "\n" for line in lines))
    answers = [json.dumps({"id": f"simple_{number}", "result": "[f(a=1)]"}) for number in range(2)]
    (folder / "BFCL_v3_simple_result.json").write_text("\n".join(answers) + "\n")
    assert convert(score if alone else folder, output=tmp_path / "out") == 2
    err = capsys.readouterr().err
    assert f"a score file of BFCL: {400 - failed} of 400 right" in err and "scripts/score_predictions.py" in err
    assert "not valid JSON" not in err and ("(1 other files" in err) is not alone


def test_two_results_one_below_the_other_are_no_result_file(tmp_path, capsys):
    """Of a file to which a second run was appended the first one alone is never taken."""
    path = tmp_path / "results_2026-01-01T00-00-00.json"
    one = {"results": {"gsm8k": {"exact_match,strict-match": 0.5}}, "configs": {"gsm8k": {}}, "config": {"model": "hf"}}
    path.write_text(f"{json.dumps(one)}\n{json.dumps(one)}\n")
    assert convert(path, output=tmp_path / "out") == 2
    assert "not valid JSON" in capsys.readouterr().err


# --- two files of one run, and items that are here in part ---


def edited(path: Path, change) -> Path:
    document = json.loads(path.read_text(encoding="utf-8"))
    change(document)
    return write(path, document)


def failed_reasons(capsys) -> list[str]:
    return [row["reason"] for row in json.loads(capsys.readouterr().out or '{"failures": []}')["failures"]]


def test_simple_evals_of_two_files_that_differ_neither_is_taken(tmp_path, capsys):
    long = simple_evals_run(tmp_path / "in")
    edited(long.with_name(long.name.replace("_allresults", "")), lambda short: short.update(score=0.99))
    assert convert(tmp_path / "in", output=tmp_path / "out", options=["--json"]) == 2
    assert not records(tmp_path / "out")
    assert capsys.readouterr().err.count("neither is taken") == 2


def test_simple_evals_beside_a_file_that_is_no_result_the_short_one_is_read(tmp_path):
    write(simple_evals_run(tmp_path / "in"), {"x": 1})
    convert(tmp_path / "in", output=tmp_path / "out")
    assert one(records(tmp_path / "out"))[1]["score_details"]["score"] == 0.25


def test_olmes_of_a_summary_that_differs_neither_is_taken(tmp_path, capsys):
    folder = olmes_run(tmp_path / "in")
    edited(folder / "metrics.json", lambda told: told["tasks"][0]["metrics"].update(acc_per_char=0.99))
    assert convert(folder, output=tmp_path / "out", options=["--json"]) == 2
    assert not records(tmp_path / "out")
    assert capsys.readouterr().err.count("neither is taken") == 2


def test_olmes_a_task_that_only_the_summary_has_is_read(tmp_path):
    folder = olmes_run(tmp_path / "in")
    more = {"alias": "other:rc::olmes", "metrics": {"acc_per_char": 0.1, "primary_score": 0.1}}
    edited(folder / "metrics.json", lambda told: told["tasks"].append(more))
    assert convert(folder, output=tmp_path / "out") == 0
    assert len(records(tmp_path / "out")) == 2


def test_opencompass_items_of_which_one_is_not_marked_are_said_to_be_left_out(tmp_path, capsys):
    details = [{"pred": "18", "answer": "18", "correct": True}, {"pred": "3", "answer": "5"}]
    folder = opencompass_run(tmp_path / "in", {"accuracy": 79.15, "details": details})
    assert convert(folder, output=tmp_path / "out", options=["--json"]) == 1
    assert "1 of its 2 items do not say whether they are right" in failed_reasons(capsys)[0]


@pytest.mark.parametrize(("other", "code"), [(50.0, 0), (60.0, 1)])
def test_opencompass_of_several_shares_the_one_that_the_items_make(tmp_path, other, code):
    details = [{"pred": "18", "answer": "18", "correct": True}, {"pred": "3", "answer": "5", "correct": False}]
    folder = opencompass_run(tmp_path / "in", {"accuracy": 79.15, "pass@1": other, "details": details})
    assert convert(folder, output=tmp_path / "out") == code
    assert ("detailed_evaluation_results" in one(records(tmp_path / "out"))[0]) == (code == 0)


def test_mteb_a_subset_that_stands_twice_is_refused(tmp_path, capsys):
    path = mteb_task(tmp_path / "in", "STSToy", {"test": [0.1, 0.9]})
    edited(path, lambda told: [row.update(hf_subset="default") for row in told["scores"]["test"]])
    assert convert(path, output=tmp_path / "out") == 2
    assert "several scores of the subset default" in capsys.readouterr().err


def test_evalscope_answers_of_some_subsets_are_said_to_be_left_out(tmp_path, capsys):
    folder = evalscope_run(tmp_path / "in")
    (folder / "reviews" / "tiny-chat" / "toy_qa_hard.jsonl").unlink()
    assert convert(folder, output=tmp_path / "out", options=["--json"]) == 1
    assert "the answers of hard are not here" in failed_reasons(capsys)[0]


def test_a_share_of_right_answers_is_the_mean_of_its_items_whatever_its_file_leaves_unsaid(tmp_path, capsys):
    """A score of 0.95 stood over items of which half were right, with no word."""
    folder = evalscope_run(tmp_path / "evalscope")
    path = folder / "reports" / "tiny-chat" / "toy_qa.json"
    content = json.loads(path.read_text())
    content["metrics"][0]["score"] = 0.95
    write(path, content)
    olmes = olmes_run(tmp_path / "olmes")
    path = olmes / "task-000-toy_mc-metrics.json"
    content = json.loads(path.read_text())
    content["metrics"] |= {"acc_per_char": 0.99, "primary_score": 0.99}
    write(path, content)
    (olmes / "metrics.json").unlink()
    for run, said in ((folder, "the file says 0.95, its 12 items average to 0.5"), (olmes, "the file says 0.99")):
        out = tmp_path / f"{run.name}_out"
        assert convert(run, output=out) == 1
        assert said in capsys.readouterr().err
        results = [result for record in records(out).values() for result in record["evaluation_results"]]
        wrong = [result for result in results if result["score_details"]["score"] in (0.95, 0.99)]
        assert wrong and all("conflict" in result["score_details"]["details"] for result in wrong)


def test_items_that_do_not_make_a_score_are_not_taken_beside_a_copy_of_its_file_later(tmp_path, capsys):
    for name in ("mine", "theirs"):
        folder = evalscope_run(tmp_path / name)
        path = folder / "reports" / "tiny-chat" / "toy_qa.json"
        write(path, json.loads(path.read_text().replace('"accuracy"', '"calibration"')))
        for path in (folder / "reviews").rglob("*.jsonl"):
            path.write_text(path.read_text().replace('"acc"', '"calibration"'))
    shutil.move(tmp_path / "mine" / "reviews", tmp_path / "reviews")
    out = tmp_path / "out"
    assert convert(tmp_path / "mine", output=out) == 0
    first = {path: path.read_bytes() for path in out.rglob("*.json*")}
    for path in (tmp_path / "theirs" / "reviews").rglob("*.jsonl"):
        path.write_text(path.read_text().replace('"calibration": 1.0', '"calibration": 0.0'))
    capsys.readouterr()
    assert convert(tmp_path / "theirs", output=out) == 1
    assert "items lie beside a copy of its file that do not make its score" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in out.rglob("*.json*")} == first
    shutil.move(tmp_path / "reviews", tmp_path / "mine" / "reviews")
    assert convert(tmp_path / "mine", output=out) == 0  # those that make it are
    assert len(list(out.rglob("*_samples.jsonl"))) == 1


def test_an_item_of_a_share_that_none_can_have_is_in_conflict(tmp_path, capsys):
    folder = evalscope_run(tmp_path / "in")
    for name, old, new in (("hard", '"acc": 0.0', '"acc": -2.0'), ("easy", '"acc": 1.0', '"acc": 3.0')):
        path = folder / "reviews" / "tiny-chat" / f"toy_qa_{name}.jsonl"
        path.write_text(path.read_text().replace(old, new))
    assert convert(folder, output=tmp_path / "out") == 1
    assert "an item of it has 3, which no item of accuracy can have" in capsys.readouterr().err


def test_swe_bench_an_instance_in_two_lists_and_counts_of_others_are_refused(tmp_path, capsys):
    ids = {"resolved_ids": ["a__a-1", "a__a-2"], "unresolved_ids": ["a__a-2", "a__a-3"], "submitted_ids": []}
    report = ids | {"total_instances": 3, "error_ids": []}
    assert convert(write(tmp_path / "in" / "tiny.one.json", report), output=tmp_path / "out") == 2
    assert "a__a-2 is in resolved_ids and in unresolved_ids" in capsys.readouterr().err
    report |= {"unresolved_ids": ["a__a-3"], "resolved_instances": 1}
    assert convert(write(tmp_path / "in" / "tiny.one.json", report), output=tmp_path / "out") == 2
    assert "it counts 1 resolved and names 2" in capsys.readouterr().err


def test_two_values_of_one_name_are_taken_neither(tmp_path, capsys):
    folder = evalscope_run(tmp_path / "in")
    (report,) = (folder / "reports").rglob("*.json")
    edited(report, lambda told: told["metrics"].append({**told["metrics"][0], "score": 0.97}))
    assert convert(folder, output=tmp_path / "out", options=["--json"]) != 0
    assert not records(tmp_path / "out") and "has several values" in capsys.readouterr().err


def test_a_page_and_a_template_of_one_begin_again_and_again_are_read_at_once(tmp_path):
    """In seconds that a quadratic or cubic search of them would not end in."""
    long = simple_evals_run(tmp_path / "in")
    edited(long, lambda told: told["htmls"].__setitem__(0, "<p>Score: " * 400_000))
    convert(tmp_path / "in", output=tmp_path / "out")
    assert converter.TEMPLATE_FIELD.split("{{" + " " * 400_000) == ["{{" + " " * 400_000]


@pytest.mark.parametrize(
    ("name", "low"), [("rouge1_diff,none", -math.inf), ("chrf_change", -math.inf), ("rouge1_max,none", 0.0)]
)
def test_a_difference_of_shares_has_no_range(name, low):
    """TruthfulQA's rougeL_diff is how much nearer an answer is to the true ones: below 0 where it is not."""
    assert converter.possible_range(name)[0] == low
