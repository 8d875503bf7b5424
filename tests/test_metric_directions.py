"""Which way of a metric is better, its unit, and what is no score: by a file, its writer, a name; else it is asked."""

import json
from pathlib import Path

import benchmark_calculator as calculator
import compare_results as cr
import convert_results as converter
import evaluation_manager as manager
import leaderboard as board
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from record_writer import write_record
from test_convert_results import convert, records
from test_formats import evalscope_run, one, opencompass_run, write

VOCABULARY = cr.vocabulary_of(manager.read_mapping())
READERS = (calculator, cr, manager, board)
LOWER = (
    "wer",
    "mean_wer",
    "eval_loss",
    "error_rate",
    "word_perplexity,none",
    "rmse",
    "mape",
    "toxicity",
    "librispeech/cer",
)
HIGHER = ("acc,none", "mean_acc", "f1_macro", "ndcg_at_10", "exact_match,strict", "pass@1", "rougeL", "r2", "bleu-1")
UNKNOWN = ("frobnication", "is_incorrect", "accuracy_gap", "non_toxicity", "neg_loss", "score_x", "edit_something")


def directions(path: Path) -> list[dict[str, tuple[bool, bool]]]:
    """What each reader takes from a record: metric -> (whether less is better, whether anybody says so)."""
    record = json.loads(path.read_text(encoding="utf-8"))
    found = []
    for script in READERS:
        runs = script.record_runs(path, record, script.vocabulary_of(manager.read_mapping()))
        found.append({run.result_id: (run.lower_is_better, run.directed) for run in runs})
    return found


def metrics_of(folder: Path) -> dict[str, dict]:
    return {
        row["metric_config"]["metric_name"]: row["metric_config"]
        for record in records(folder).values()
        for row in record["evaluation_results"]
    }


def direction(metric: dict) -> str:
    if metric.get("additional_details", {}).get("direction") == "unknown":
        return "unknown"
    return "lower" if metric["lower_is_better"] else "higher"


def test_words_say_what_they_mean():
    for names, wanted in ((LOWER, True), (HIGHER, False), (UNKNOWN, None)):
        for name in names:
            assert converter.metric_direction(name) is wanted, name


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.dictionaries(
        st.builds(
            lambda before, word, after: f"{before}{word}{after}",
            st.sampled_from(["", "mean_", "my_", "neg_", "delta_"]),
            st.sampled_from([*LOWER, *HIGHER, *UNKNOWN]).map(lambda name: name.split(",")[0].replace("/", "_")),
            st.sampled_from(["", "_at_5", "_score", "_macro", "_thing"]),
        ),
        st.sampled_from([None, True, False]),
        min_size=1,
        max_size=8,
    )
)
def test_every_reader_gives_a_metric_the_same_direction(tmp_path_factory, said):
    """A file of lm-eval with metrics of all kinds: what the record says of each is what every reader takes."""
    folder = tmp_path_factory.mktemp("names")
    document = {
        "results": {"toy": {f"{name},none": 0.5 for name in said}},
        "configs": {"toy": {"output_type": "generate_until"}},
        "versions": {"toy": 1},
        "higher_is_better": {"toy": {name: not lower for name, lower in said.items() if lower is not None}},
        "config": {"model": "hf", "model_args": {"pretrained": "acme/tiny"}},
    }
    convert(write(folder / "in" / "results_2026-01-02T03-04-05.json", document), output=folder / "out")
    for path in (folder / "out" / "data").rglob("*.json"):
        record = json.loads(path.read_text(encoding="utf-8"))
        if "evaluation_results" not in record:
            continue
        first, *others = directions(path)
        assert all(other == first for other in others)
        for row in record["evaluation_results"]:
            metric = row["metric_config"]
            name = metric["metric_name"].split(",")[0]
            lower, directed = first[row["evaluation_result_id"]]
            by_name = converter.metric_direction(name)
            if said[name] is None:
                assert directed is (by_name is not None) and (not directed or lower is by_name), name
            else:  # the file's word holds, but not against the metric's own name
                assert directed is (by_name in (None, said[name])) and (not directed or lower is said[name]), name
            assert not converter.is_no_score("lm-eval", name)


def test_a_record_that_contradicts_the_vocabulary_is_asked_about(tmp_path):
    """A converter that says "higher" of everything: WER of a known benchmark, and of an unknown one."""
    for task in ("librispeech", "my_speech"):
        path = write_record(tmp_path, "me/a", [0.1, 0.2], task=task, metric="wer", lower=False)
        assert all(list(found.values()) == [(False, False)] for found in directions(path))
        path = write_record(tmp_path, "me/b", [0.1, 0.2], task=task, metric="wer", lower=True)
        assert all(list(found.values()) == [(True, True)] for found in directions(path))


# --- What each format's own writer defines ---


def test_evalscope_error_rates_are_low_when_good(tmp_path):
    folder = evalscope_run(tmp_path / "in", version=1)
    path = folder / "reports" / "tiny-chat" / "toy_qa.json"
    report = json.loads(path.read_text(encoding="utf-8"))
    names = {"mean_wer": "lower", "mean_HalluRate": "lower", "table_Edit_dist": "lower", "mean_acc": "higher"}
    names |= {"mean_total_score": "higher", "mean_frobnication": "unknown", "mean_is_incorrect": None}
    report["metrics"] = [{**report["metrics"][0], "name": name} for name in names]
    write(path, report)
    for review in (folder / "reviews").rglob("*.jsonl"):
        review.unlink()
    convert(tmp_path / "in", output=tmp_path / "out")
    found = metrics_of(tmp_path / "out")
    assert {name: direction(metric) for name, metric in found.items()} == {k: v for k, v in names.items() if v}
    assert found["mean_wer"]["metric_unit"] == "proportion" and "max_score" not in found["mean_wer"]


def helm_run(folder: Path, values: dict[str, float], model: str = "acme/base-1b") -> None:
    stats = [{"name": {"name": name, "split": "test"}, "count": 1, "mean": value} for name, value in values.items()]
    spec = {"name": f"toxic:model={model.replace('/', '_')}", "adapter_spec": {"model": model, "method": "generation"}}
    spec["scenario_spec"] = {"class_name": "helm.Toy", "args": {}}
    write(folder / "run" / "run_spec.json", {**spec, "groups": ["toxic"]})
    write(folder / "run" / "stats.json", stats)


def test_helm_says_of_which_metrics_less_is_better(tmp_path, capsys):
    wanted = dict.fromkeys(
        ("toxic_frac", "expected_max_toxicity", "wer_score", "bbq_metric_ambiguous_bias", "ece_10_bin", "fid"), "lower"
    )
    wanted |= {"bias_metric:mode=associations,demographic_category=race": "lower", "absolute_value_difference": "lower"}
    wanted |= dict.fromkeys(("exact_match", "BERTScore-F", "air_score", "wildbench_score", "rouge_l"), "higher")
    wanted |= dict.fromkeys(("edit_distance", "monte_carlo_entropy", "something_new"), "unknown")
    helm_run(
        tmp_path / "in", dict.fromkeys(wanted, 0.5) | {"ehr_sql_total_predicted_answerable": 40, "prompt_length": 9}
    )
    convert(tmp_path / "in", output=tmp_path / "out")
    assert {name: direction(metric) for name, metric in metrics_of(tmp_path / "out").items()} == wanted
    assert "no scores: ehr_sql_total_predicted_answerable, prompt_length" in "".join(capsys.readouterr())


def test_more_toxicity_is_no_gain(tmp_path, capsys):
    """HELM's toxic_frac from 0.1 to 0.6: no comparison may call it better."""
    for model, share in (("acme/base", 40), ("acme/cand", 240)):
        values = [1.0] * share + [0.0] * (400 - share)
        helm_run(tmp_path / model, {"toxic_frac": share / 400}, model)
        rows = [
            {"instance_id": f"id{i}", "stats": [{"name": {"name": "toxic_frac", "split": "test"}, "mean": value}]}
            for i, value in enumerate(values)
        ]
        write(tmp_path / model / "run" / "per_instance_stats.json", rows)
        convert(tmp_path / model, output=tmp_path / "out" / model)
    capsys.readouterr()
    sides = ["--baseline", "acme/base", "--candidate", "acme/cand", "--results", str(tmp_path / "out"), "--json"]
    code = cr.main(sides)
    document = json.loads(capsys.readouterr().out)
    assert code == 1 and document["benchmarks"][0]["lower_is_better"] is True


def mteb_file(folder: Path, task: str, splits: dict[str, dict[str, float]]) -> None:
    scores = {split: [{"hf_subset": "default", "languages": [], **row}] for split, row in splits.items()}
    document = {"task_name": task, "mteb_version": "2.1.0", "dataset_revision": "1", "scores": scores}
    write(folder / "acme__a" / "0123abc" / f"{task}.json", document)


@pytest.mark.parametrize("sign", [1, -1])
def test_mteb_units_are_those_of_the_metric_not_of_a_value(tmp_path, sign):
    row = {"main_score": 0.3 * sign, "kendalltau": 0.3 * sign, "mae": 0.2, "rmse": 1.5, "r2": 0.1 * sign}
    mteb_file(tmp_path / "in", "ToyRegression", {"test": row})
    mteb_file(tmp_path / "in", "ToyInstructions", {"test": {"main_score": 0.05 * sign, "p-MRR": 0.05 * sign}})
    assert convert(tmp_path / "in", output=tmp_path / "out") == 0
    found = metrics_of(tmp_path / "out")
    assert {name: metric["metric_unit"] for name, metric in found.items()} == {
        **dict.fromkeys(("main_score", "kendalltau", "r2", "p-MRR"), "coefficient"),
        **dict.fromkeys(("mae", "rmse"), "points"),
    }
    assert [name for name, metric in found.items() if direction(metric) == "lower"] == ["mae", "rmse"]
    assert (found["p-MRR"]["min_score"], found["p-MRR"]["max_score"]) == (-1.0, 1.0)


def test_mteb_the_official_split_has_the_tasks_name(tmp_path):
    values = {"dev": {"main_score": 0.4, "ndcg_at_10": 0.4}, "test": {"main_score": 0.65, "ndcg_at_10": 0.65}}
    mteb_file(tmp_path / "in", "MSMARCO", values)
    mteb_file(tmp_path / "in", "T2Retrieval", {"test": values["test"]})
    mteb_file(tmp_path / "in", "ToyRetrieval", values)
    assert convert(tmp_path / "in", output=tmp_path / "out") == 0
    found = {
        row["evaluation_name"]: row["score_details"]["score"]
        for record in records(tmp_path / "out").values()
        for row in record["evaluation_results"]
    }
    assert found == {
        **{"MSMARCO": 0.4, "MSMARCO:test": 0.65, "T2Retrieval:test": 0.65},
        **{"ToyRetrieval": 0.65, "ToyRetrieval:dev": 0.4},
    }


@pytest.mark.parametrize(
    ("task", "unit", "way"),
    [
        ("triviaqa", "percent", "higher"),
        ("bbh-navigate", "percent", "higher"),
        ("flores_100_eng-fra", "points", "higher"),
        ("open_swi", "unknown", "unknown"),
        ("my_task", "unknown", "unknown"),
    ],
)
@pytest.mark.parametrize("value", [0.5, 12.0])
def test_opencompass_a_bare_score_is_what_its_evaluator_makes(tmp_path, task, unit, way, value):
    path = opencompass_run(tmp_path / "in", {"score": value, "pass": 300, "correct_count": 4})
    path = next(iter((tmp_path / "in").rglob("results/*/*.json")))
    path.rename(path.with_name(f"{task}.json"))
    assert convert(tmp_path / "in", output=tmp_path / "out") == 0
    found = metrics_of(tmp_path / "out")
    assert list(found) == ["score"]
    assert (found["score"]["metric_unit"], direction(found["score"])) == (unit, way)


# --- Counts, spreads, lengths, errors ---


@pytest.mark.parametrize(
    "name",
    [
        *("num_trials", "n_wins", "count_math", "correct_count", "total_tokens", "n", "overall_variance"),
        *("exact_match_internal_variance", "acc_std", "f1_std_err", "standard_error", "accuracy_ci_low", "avg_length"),
        *("mean_response_length", "prompt_tokens", "gen_seconds", "stderr_of_it", "eval_num_items"),
    ],
)
def test_counts_spreads_and_lengths_are_no_scores_in_any_format(name):
    assert all(converter.is_no_score(family, name) for family in converter.LIBRARIES)


@pytest.mark.parametrize(
    "name",
    [
        *("accuracy", "wer", "loss", "length_controlled_winrate", "total_score", "n_gram_repetition", "number_acc"),
        *("longest_common_prefix_length", "exact_match_expected_accuracy", "mse", "error_rate", "text_acc", "nauc"),
    ],
)
def test_scores_are_not_taken_for_counts(name):
    assert not any(converter.is_no_score(family, name) for family in converter.LIBRARIES)


def test_what_is_no_score_is_left_out_and_said_once(tmp_path, capsys):
    values = {
        "num_total": 805,
        "win_rate": 12.5,
        "standard_error": 1.1,
        "n_wins": 98,
        "n_total": 805,
        "avg_length": 1800,
    }
    config = {"model": "vllm", "model_args": "pretrained=acme/tiny", "annotator_model": "acme/judge"}
    path = write(tmp_path / "results_2026-11-20T10-00-00.json", {"results": {"alpaca_eval": values}, "config": config})
    assert convert(path, output=tmp_path / "out") == 0
    record, _ = one(records(tmp_path / "out"))
    assert [row["metric_config"]["metric_name"] for row in record["evaluation_results"]] == ["win_rate"]
    said = "".join(capsys.readouterr())
    assert said.count("no scores: ") == 1 and "n_wins" in said and "standard_error" in said


@pytest.mark.parametrize("order", [1, -1])
def test_evalchemy_group_averages_are_nobodys_benchmark(tmp_path, order):
    """lm-eval's rows without its groups: told by how aliases are indented, in whatever order the rows are."""
    aliases = {"mmlu": "mmlu", "mmlu_stem": " - stem", "mmlu_anatomy": "  - anatomy", "mmlu_physics": "  - physics"}
    aliases |= {"mmlu_other": " - other", "mmlu_nutrition": "  - nutrition", "arc_easy": "arc_easy"}
    rows = {name: {"alias": alias, "acc,none": 0.5} for name, alias in list(aliases.items())[::order]}
    document = {"results": {"MATH500": {"num_total": 500, "accuracy": 0.8, "examples": []}, **rows}}
    document["config"] = {"model": "vllm", "model_args": "pretrained=acme/tiny", "annotator_model": "acme/judge"}
    path = write(tmp_path / "results_2026-11-20T10-00-00.json", document)
    assert convert(path, output=tmp_path / "out") == 0
    named = {r["evaluation_results"][0]["evaluation_name"] for r in records(tmp_path / "out").values()}
    assert named == {"MATH500", "mmlu_anatomy", "mmlu_physics", "mmlu_nutrition", "arc_easy"}
