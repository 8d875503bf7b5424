"""The Hub's official Benchmarks: discovered on a Hub on this machine, matched with results, published there."""

from __future__ import annotations

import json
import re
import time
import uuid
from pathlib import Path

import evaluation_manager as manager
import pytest
import yaml
from huggingface_hub import constants, parse_eval_result_entries
from local_hub import ArtificialAnalysis, LocalHub

REPO = "me/Foo-7B"
MAPPING = manager.read_mapping()
GPQA = [{"id": name, "config": f"gpqa_{name}", "split": "train"} for name in ("diamond", "main", "extended")]
# data set: tasks, more of its eval.yaml, options, what others have; differently shaped, most as they are on the Hub.
SHAPES = {
    "openai/gsm8k": ([{"id": "gsm8k", "config": "main"}], {}, {}, [61.5, 88.4]),
    "TIGER-Lab/MMLU-Pro": (["mmlu_pro"], {}, {}, [38.2, 66.9]),
    "Idavidrein/gpqa": (GPQA, {}, {"gated": "auto"}, [29.8, 55.6]),
    "cais/hle": (["hle"], {}, {"gated": "auto", "allowed": ["me"]}, [4.1, 11.7]),
    "SWE-bench/SWE-bench_Verified": (["swe_bench_%_resolved"], {"evaluation_framework": "swe-bench"}, {}, [70.1]),
    "MathArena/aime_2026": (["MathArena/aime_2026"], {"evaluation_framework": "math-arena"}, {}, [10, 46.7]),
    "lab/speech": (["wer_clean", "wer_other"], {}, {"lower_is_better": True}, [1.5, 9.9]),
    "lab/shares": (["shares"], {}, {}, [0.41, 0.97, 0.66]),
    "lab/new-bench": (["main"], {"name": "New Bench"}, {}, []),
    "llamaindex/ParseBench": (["mean", "text_content"], {"evaluation_framework": "parsebench"}, {}, [49.0]),
}


def make_benchmark(hub: LocalHub, dataset_id: str) -> None:
    tasks, more, options, values = SHAPES[dataset_id]
    hub.create_benchmark(dataset_id, tasks, more.get("name", ""), **options)
    text = yaml.safe_load(hub.files(dataset_id, repo_type="dataset")["eval.yaml"]) | more
    hub.commit(dataset_id, {"eval.yaml": yaml.safe_dump(text, sort_keys=False)}, repo_type="dataset")
    task = text["tasks"][0]
    file = manager.path_part(task["config"] if task["config"] not in ("default", "main") else task["id"])
    for number, value in enumerate(values):
        row = [{"dataset": {"id": dataset_id, "task_id": task["id"]}, "value": value}]
        name = f"others/{dataset_id.replace('/', '-')}-{number}"
        hub.create_repo(name, files={f".eval_results/{file}.yaml": yaml.safe_dump(row)})


@pytest.fixture
def shapes(hub: LocalHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> LocalHub:
    """A Hub with all of them, one that is broken, a model of ours, and a token that may write."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_TOKEN", hub.token)
    monkeypatch.setattr(manager, "FIRST_WAIT", 0.01)
    for dataset_id in SHAPES:
        make_benchmark(hub, dataset_id)
    hub.create_repo("lab/broken", "dataset", {"eval.yaml": "tasks: [\n"}, official=True)
    hub.create_repo(REPO, files={"README.md": "---\nlicense: mit\n---\n# Foo-7B\n"})
    hub.requests.clear()
    return hub


def run(capsys: pytest.CaptureFixture[str], *argv: object) -> tuple[int, str, str]:
    code = manager.main(list(map(str, argv)))
    out, err = capsys.readouterr()
    return code, out, err


def document(capsys: pytest.CaptureFixture[str], *argv: object) -> dict:
    return json.loads(run(capsys, *argv, "--json")[1])


def record(folder: Path, name: str, score: float, metric: str = "accuracy", **data: object) -> Path:
    """A record of one result of our model, as another tool might have written it."""
    unit, library = data.pop("unit", "proportion"), data.pop("library", "lm-evaluation-harness")
    source = {"dataset_name": name, "source_type": "other"} | data
    if "hf_repo" in data:
        source["source_type"] = "hf_dataset"
    lower = metric == "wer"
    result = {
        "evaluation_result_id": f"{name}/{metric}",
        "evaluation_name": name,
        "source_data": source,
        "metric_config": {"metric_id": metric, "metric_unit": unit, "lower_is_better": lower},
        "score_details": {"score": score},
    }
    whole = {
        "schema_version": "0.3.0",
        "evaluation_id": f"{name}/{REPO}/1795246661",
        "evaluation_timestamp": "2026-11-21T07:37:41Z",
        "retrieved_timestamp": "1795246661",
        "source_metadata": {
            "source_name": "test",
            "source_type": "evaluation_run",
            "source_organization_name": "me",
            "evaluator_relationship": "first_party",
        },
        "model_info": {"name": "Foo-7B", "id": REPO, "developer": "me", "inference_engine": {"name": "vllm"}},
        "eval_library": {"name": library, "version": "1.0"},
        "evaluation_results": [result],
    }
    path = folder / "data" / manager.path_part(name) / "me" / "Foo-7B" / f"{uuid.uuid4()}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(whole), encoding="utf-8")
    return path


# --- Which are there ---


def test_table_tells_what_the_hub_has(shapes: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    found = document(capsys, "benchmarks")
    rows = {row["dataset_id"]: row for row in found["benchmarks"]}
    assert {*rows} == {*SHAPES, "lab/broken"} and found["basis"] == "hub"
    assert [(task["id"], task["key"]) for task in rows["Idavidrein/gpqa"]["tasks"]] == [
        ("diamond", "gpqa_diamond"),
        ("main", "gpqa"),
        ("extended", None),
    ], "the vocabulary calls them by their configurations"
    assert rows["cais/hle"]["tasks"] == [{"id": "hle", "config": "default", "split": "test", "key": "hle"}]
    assert rows["openai/gsm8k"]["tasks"][0]["key"] == "gsm8k"
    scales = {name: (row["scale"], row["lower_is_better"], row["entries"]) for name, row in rows.items()}
    assert scales["openai/gsm8k"] == ("percent", False, 2)
    assert scales["lab/speech"] == ("percent", True, 2)
    assert scales["lab/shares"] == ("proportion", False, 3)
    assert scales["lab/new-bench"] == (None, None, 0)
    assert rows["SWE-bench/SWE-bench_Verified"]["own_harness"] == "swe-bench"
    assert rows["MathArena/aime_2026"]["own_harness"] is None
    assert "not valid YAML" in rows["lab/broken"]["problem"] or "YAML" in rows["lab/broken"]["problem"]
    code, out, err = run(capsys, "benchmarks")
    assert code == 0 and "swe_bench_%_resolved" in out and "11 official Benchmarks" in err


def test_gated_eval_yaml_is_taken_from_what_is_shipped(
    shapes: LocalHub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", shapes.add_user("stranger"))
    rows = {row["dataset_id"]: row for row in document(capsys, "benchmarks")["benchmarks"]}
    assert [task["id"] for task in rows["cais/hle"]["tasks"]] == ["hle"]
    assert "gated" in rows["cais/hle"]["problem"] and rows["openai/gsm8k"]["problem"] is None
    assert rows["cais/hle"]["entries"] == 2, "its leaderboard needs a login and no access"


def test_list_is_asked_for_once_a_day(shapes: LocalHub, monkeypatch: pytest.MonkeyPatch) -> None:
    first = manager.Hub(shapes.token).official()
    asked = shapes.count("GET", "^/api/datasets$"), shapes.count("GET", "eval.yaml")
    assert first.basis == "hub" and asked[0] == 1
    again = manager.Hub(shapes.token).official()
    assert (again.basis, again.benchmarks) == ("cache", first.benchmarks)
    assert (shapes.count("GET", "^/api/datasets$"), shapes.count("GET", "eval.yaml")) == asked
    later = time.time() + 25 * 3600
    monkeypatch.setattr(manager.time, "time", lambda: later)
    shapes.commit("lab/shares", {"README.md": "# New\n"}, repo_type="dataset")
    assert manager.Hub(shapes.token).official().basis == "hub"
    assert shapes.count("GET", "^/api/datasets$") == 2
    changed = {"lab/shares", "lab/broken", "Idavidrein/gpqa"}  # what could not be read may be readable now
    asked_for = {r.path for r in shapes.requests[-40:] if "eval.yaml" in r.path and r.path.startswith("/datasets")}
    assert {"/".join(path.split("/")[2:4]) for path in asked_for} >= {"lab/shares"}
    new = shapes.count("GET", "^/datasets/.*eval.yaml") - len(SHAPES) - 1
    assert new == len(changed), "the others have the commit that is known"


def test_offline_says_how_old_the_list_is(
    shapes: LocalHub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    found = document(capsys, "benchmarks")
    assert (found["basis"], found["reason"]) == ("snapshot", "HF_HUB_OFFLINE is set")
    assert found["as_of"] == manager.shipped_list().as_of and shapes.count() == 0
    assert found["as_of"] in run(capsys, "benchmarks")[2]
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    online = manager.Hub(shapes.token).official()
    shapes.fault("GET", "^/api/datasets", times=99, status=503)
    later = time.time() + 100 * 3600
    monkeypatch.setattr(manager.time, "time", lambda: later)
    stale = manager.Hub(shapes.token).official()
    assert (stale.basis, stale.as_of, stale.reason) == ("stale", online.as_of, "the Hub answered 503")
    assert stale.benchmarks == online.benchmarks


@pytest.mark.parametrize("form", ["null", "object", "text", "number", "cut", "html", "empty"])
def test_list_of_a_wrong_form_is_no_list(shapes: LocalHub, form: str) -> None:
    shapes.wrong("GET", "^/api/datasets\\?", form, times=99)
    found = manager.Hub(shapes.token).official()
    assert (found.basis, bool(found.reason)) == ("snapshot", True)
    assert "openai/gsm8k" in found.benchmarks


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no list of tasks"),
        ("- a\n", "no list of tasks"),
        ("tasks: {id: a}\n", "no list of tasks"),
        ("tasks: []\n", "names no task"),
        ("tasks: [a, {id: 3}, {id: ''}, {id: \"a\\tb\"}]\n", "names no task"),
        (
            "a: &a [x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]\n" * 1
            + "tasks: !!python/object/apply:os.getcwd []\n",
            "",
        ),
        ("tasks: [", ""),
    ],
)
def test_eval_yaml_that_is_wrong_or_hostile(text: str, problem: str) -> None:
    found = manager.parse_eval_yaml(text, "lab/x")
    assert found.tasks == () and found.problem and problem in found.problem


def test_eval_yaml_with_metrics_says_unit_and_direction() -> None:
    metrics = [
        {"id": "rtfx", "higher_is_better": True},
        {"id": "wer", "higher_is_better": False, "unit": "percentage", "primary": True},
    ]
    text = yaml.safe_dump({"name": "ASR", "metrics": metrics, "tasks": [{"id": "clean"}, {"id": "clean"}]})
    found = manager.parse_eval_yaml(text, "lab/asr")
    assert (found.lower_is_better, found.unit, len(found.tasks)) == (True, "percent", 1)


# --- Which is meant ---


def place(name: str, key: str | None = None, **data: str) -> object:
    """Where a result would count, by the list that is shipped: "DATASET:TASK", the candidates, or the reason."""
    claim = manager.BenchmarkClaim(name, key, **data)
    match = manager.find_place(claim, manager.shipped_list(), MAPPING)
    if match.place:
        return f"{match.place.dataset_id}:{match.place.task_id}"
    return match.candidates or match.why


@pytest.mark.parametrize(
    ("claim", "there"),
    [
        ({"name": "GSM8K (CoT)", "key": "gsm8k"}, "openai/gsm8k:gsm8k"),
        ({"name": "GPQA Diamond", "key": "gpqa_diamond"}, "Idavidrein/gpqa:diamond"),
        ({"name": "gpqa", "config": "gpqa_extended", "dataset_id": "idavidrein/GPQA"}, "Idavidrein/gpqa:extended"),
        ({"name": "SWE-bench Pro", "key": "swe_bench_pro"}, "ScaleAI/SWE-bench_Pro:SWE_Bench_Pro"),
        (
            {"name": "SWE-bench Verified", "key": "swe_bench_verified"},
            "SWE-bench/SWE-bench_Verified:swe_bench_%_resolved",
        ),
        ({"name": "AIME 2026", "key": "aime_2026"}, "MathArena/aime_2026:MathArena/aime_2026"),
        ({"name": "EvasionBench"}, "FutureMa/EvasionBench:evasion_bench"),
        ({"name": "deep_swe"}, "datacurve/deep-swe:deep_swe"),
        ({"name": "MMLU", "key": "mmlu"}, manager.NO_BENCHMARK),
        ({"name": "SWE-bench Lite", "key": "swe_bench_lite"}, manager.NO_BENCHMARK),
        ({"name": "SWE-bench", "key": "swe_bench"}, manager.NO_BENCHMARK),
        ({"name": "GSM8K-Platinum", "key": "gsm8k_platinum"}, manager.NO_BENCHMARK),
        ({"name": "mmlu_pro:math", "part": True, "dataset_id": "TIGER-Lab/MMLU-Pro"}, "a part of a benchmark"),
        ({"name": "ParseBench"}, manager.NO_BENCHMARK),
        ({"name": "x", "dataset_id": "llamaindex/ParseBench"}, "its tasks are not known here"),
    ],
)
def test_result_finds_its_benchmark(claim: dict, there: str) -> None:
    assert there in place(**claim)


@pytest.mark.parametrize(
    "claim",
    [
        {"name": "GPQA", "key": "gpqa"},  # of three tasks
        {"name": "GPQA"},
        {"name": "my gpqa", "dataset_id": "Idavidrein/gpqa"},
        {"name": "hard questions", "dataset_id": "openai/gsm8k"},  # made of its data, called otherwise
        {"name": "gsm8k", "key": "gsm8k", "dataset_id": "openai/gsm8k", "split": "train"},
        {"name": "gsm8k", "key": "gsm8k", "dataset_id": "openai/gsm8k", "config": "socratic"},
    ],
)
def test_unsure_result_has_candidates_and_no_place(claim: dict) -> None:
    assert isinstance(place(**claim), tuple)


def test_answer_decides(shapes: LocalHub) -> None:
    official = manager.Hub(shapes.token).official()
    claim = manager.BenchmarkClaim("GPQA", "gpqa")
    found = manager.find_place(claim, official, MAPPING, "Idavidrein/gpqa:diamond").place
    assert (found.dataset_id, found.task_id, found.stem) == ("Idavidrein/gpqa", "diamond", "gpqa")
    assert manager.find_place(claim, official, MAPPING, "none").place is None
    for wrong in ("Idavidrein/gpqa:hard", "lab/none:x"):
        with pytest.raises(manager.ScriptError):
            manager.find_place(claim, official, MAPPING, wrong)
    for text in ("gpqa", "gpqa=x", "=none", "gpqa=a/b"):
        with pytest.raises(manager.ScriptError):
            manager.official_answers([text])


# --- A card, a run and the API end in the right files ---


def eval_files(hub: LocalHub, revision: str) -> dict[str, tuple]:
    """File -> (data set, task, value, notes) of a model's .eval_results."""
    found = {}
    for path, data in hub.files(REPO, revision).items():
        if path.startswith(".eval_results/"):
            (entry,) = parse_eval_result_entries(yaml.safe_load(data))
            found[path.removeprefix(".eval_results/")] = (entry.dataset_id, entry.task_id, entry.value, entry.notes)
    return found


def test_card_ends_in_the_right_files(shapes: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    rows = {
        "GSM8K (5-shot)": 77.3, "MMLU-Pro": 60.1, "GPQA Diamond": 45.4, "HLE": 9.1, "HLE (w/ tools)": 21.5,
        "AIME 2026": 33.3, "SWE-bench Verified": 51.2, "New Bench": 12.5, "MMLU": 70.2,
    }  # fmt: skip
    table = "".join(f"| {name} | {value} |\n" for name, value in rows.items())
    shapes.commit(REPO, {"README.md": f"# Foo-7B\n\n## Evaluation\n\n| Benchmark | Foo-7B |\n|---|---|\n{table}"})
    ask = ("extract-readme", "--repo-id", REPO, "--all-tables", "--format", "eval-results", "--create-pr")
    code, _, err = run(capsys, *ask)
    assert code == 0, err
    files = eval_files(shapes, "refs/pr/1")
    assert files == {
        "gsm8k.yaml": ("openai/gsm8k", "gsm8k", 77.3, None),
        "mmlu_pro.yaml": ("TIGER-Lab/MMLU-Pro", "mmlu_pro", 60.1, None),
        "gpqa_diamond.yaml": ("Idavidrein/gpqa", "diamond", 45.4, None),
        "hle.yaml": ("cais/hle", "hle", 9.1, None),
        "hle_with_tools.yaml": ("cais/hle", "hle", 21.5, "With tools"),
        "aime_2026.yaml": ("MathArena/aime_2026", "MathArena/aime_2026", 33.3, None),
        "new_bench.yaml": ("lab/new-bench", "main", 12.5, None),
    }
    found = document(capsys, *ask[:-1], "--own-harness", "swe_bench_verified")
    assert found["eval_results"][".eval_results/swe_bench_verified.yaml"][0]["dataset"]["task_id"] == (
        "swe_bench_%_resolved"
    )
    plain = document(capsys, *ask[:-1])
    assert any("its own harness, swe-bench" in text for text in plain["notes"])


def test_run_ends_in_the_right_files(shapes: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    record(tmp_path, "gsm8k", 0.773, "exact_match", hf_repo="openai/gsm8k", hf_split="test")
    record(tmp_path, "gpqa_diamond", 0.454, hf_repo="Idavidrein/gpqa", additional_details={"subset": "gpqa_diamond"})
    record(tmp_path, "wer_clean", 3.2, "wer", hf_repo="lab/speech", unit="percent")
    record(tmp_path, "shares", 0.71, hf_repo="lab/shares")
    record(
        tmp_path, "text_content", 88.1, "score", hf_repo="llamaindex/ParseBench", unit="percent", library="parsebench"
    )
    record(tmp_path, "swe_bench_verified", 51.2, "resolved_rate", unit="percent", library="swe-bench")
    record(tmp_path, "hellaswag", 0.8, hf_repo="Rowan/hellaswag")
    ask = ("add", "--repo-id", REPO, "--results", tmp_path / "data", "--format", "eval-results", "--scale", "percent")
    code, _, err = run(capsys, *ask, "--scale", "shares=as-is", "--create-pr")
    assert code == 0, err
    files = eval_files(shapes, "refs/pr/1")
    assert files == {
        "gsm8k.yaml": ("openai/gsm8k", "gsm8k", 77.3, None),
        "gpqa_diamond.yaml": ("Idavidrein/gpqa", "diamond", 45.4, None),
        "speech_wer_clean.yaml": ("lab/speech", "wer_clean", 3.2, None),
        "shares.yaml": ("lab/shares", "shares", 0.71, None),
        "parsebench_text_content.yaml": ("llamaindex/ParseBench", "text_content", 88.1, None),
        "swe_bench_verified.yaml": ("SWE-bench/SWE-bench_Verified", "swe_bench_%_resolved", 51.2, None),
    }
    before = len(shapes.pull_requests(REPO))
    shapes.change_pull_request(REPO, 1, "merged")
    code, _, err = run(capsys, *ask, "--scale", "shares=as-is", "--create-pr")
    assert code == 0 and "has all of it already" in err and len(shapes.pull_requests(REPO)) == before


def test_api_ends_in_the_right_files(
    shapes: LocalHub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with ArtificialAnalysis() as aa:
        for name, value in aa.environment().items():
            monkeypatch.setenv(name, value)
        model = next(m for m in aa.payload["data"] if all(m["evaluations"][k] for k in ("mmlu_pro", "gpqa", "hle")))
        ask = ("import-aa", "--creator-slug", model["model_creator"]["slug"], "--model-name", model["slug"])
        ask = (*ask, "--repo-id", REPO, "--format", "eval-results", "--scale", "percent", "--create-pr")
        code, _, err = run(capsys, *ask)
    assert code == 0, err
    files, scores = eval_files(shapes, "refs/pr/1"), model["evaluations"]
    assert {path: row[:2] for path, row in files.items()} == {
        "mmlu_pro.yaml": ("TIGER-Lab/MMLU-Pro", "mmlu_pro"),
        "gpqa_diamond.yaml": ("Idavidrein/gpqa", "diamond"),
        "hle.yaml": ("cais/hle", "hle"),
    }
    assert files["hle.yaml"][2] == pytest.approx(100 * scores["hle"])


def test_the_unit_that_is_written_is_the_one_that_is_shown(
    shapes: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """An API's share on a leaderboard in percent: the list, the notes and the pull request show what is written."""
    api, creator = tmp_path / "aa.json", {"name": "Acme", "slug": "acme"}
    row = {"name": "Foo", "slug": "foo", "model_creator": creator, "evaluations": {"hle": 0.29, "mmlu_pro": 0.613}}
    api.write_text(json.dumps({"data": [row]}), encoding="utf-8")
    shapes.commit(REPO, {"README.md": "# Foo-7B\n\n## Evaluation\n\n| Benchmark | Foo-7B |\n|---|---|\n| HLE | 31 |\n"})
    ask = ("import-aa", "--input-json", api, "--creator-slug", "acme", "--model-name", "foo", "--repo-id", REPO)
    code, out, err = run(capsys, *ask, "--scale", "percent", "--create-pr")
    assert code == 3 and "says 31 of HLE" in err and "and not 29; --beside hle" in err and "0.29;" not in err
    for form in ("both", "eval-results", "model-index"):
        code, out, err = run(capsys, *ask, "--scale", "percent", "--beside", "hle", "--format", form)
        value = "29"
        assert code == 0 and re.search(rf"^  Humanity's Last Exam.*: {value}   from", out, re.M), out
        assert re.search(rf"says 31 of HLE .*, and not {value}$", out, re.M)
    code, _, err = run(capsys, *ask, "--scale", "percent", "--beside", "hle", "--create-pr")
    text = json.dumps(shapes.pull_requests(REPO)[0].events)
    assert code == 0 and "| 29 |" in text and "| 0.29 |" not in text


@pytest.mark.parametrize(
    ("values", "options", "score", "metric", "unit", "question"),
    [
        ([4.1, 5.2, 17.7], {"lower_is_better": True}, 95.2, "accuracy", "percent", "more is better of it"),
        ([80.1, 75.2, 67.7], {}, 8.2, "wer", "percent", "less is better of it"),
        ([1200.5, 1310, 1105], {}, 0.8, "win_rate", "proportion", "no shares; --scale made=as-is"),
        ([80.1, 75.2, 67.7], {}, 1250, "elo", "points", "in percent; --scale made=as-is"),
        ([0.8, 0.75, 0.6], {}, 1250, "elo", "points", "in proportion; --scale made=as-is"),
        ([7.5, 8.0, 8.9], {}, 0.81, "accuracy", "proportion", "0.81 does not fit"),
        ([30, 50, 60.5], {}, 90.5, "pass@10", "percent", "made (pass@10): of several tries"),
    ],
)
def test_result_of_another_measure_than_the_leaderboards_is_asked_about(
    shapes: LocalHub, capsys, tmp_path: Path, values, options, score, metric, unit, question
) -> None:
    """Another direction, a share among points, points among shares; marks out of ten are not taken for percentages."""
    shapes.create_benchmark("lab/made", ["made"], **options)
    for number, value in enumerate(values):
        row = [{"dataset": {"id": "lab/made", "task_id": "made"}, "value": value}]
        shapes.create_repo(f"others/made-{number}", files={".eval_results/made.yaml": yaml.safe_dump(row)})
    record(tmp_path, "made", score, metric, unit=unit, hf_repo="lab/made")
    ask = ("add", "--repo-id", REPO, "--results", tmp_path / "data", "--format", "eval-results", "--create-pr")
    code, _, err = run(capsys, *ask)
    assert code == 3 and question in err and shapes.pull_requests(REPO) == []
    answers = ("--counts-as", "made=lab/made:made", "--scale", "made=as-is")
    assert run(capsys, *ask, *answers)[0] == 0
    assert eval_files(shapes, "refs/pr/1") == {"made.yaml": ("lab/made", "made", score, None)}


def test_tools_of_a_record_are_a_setting_and_those_of_an_agents_benchmark_are_not(
    shapes: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def with_tools(path: Path) -> None:
        whole = json.loads(path.read_text(encoding="utf-8"))
        config = {"available_tools": [{"name": "python"}]}
        whole["evaluation_results"][0]["generation_config"] = {"generation_args": {"agentic_eval_config": config}}
        path.write_text(json.dumps(whole), encoding="utf-8")

    record(tmp_path, "hle", 21.5, unit="percent", hf_repo="cais/hle")
    with_tools(record(tmp_path, "hle", 29.5, unit="percent", hf_repo="cais/hle"))
    record(tmp_path, "MMLU-Pro (with tools)", 61.5, unit="percent", hf_repo="TIGER-Lab/MMLU-Pro")
    with_tools(record(tmp_path, "swe_bench_verified", 51.5, "resolved_rate", unit="percent", library="swe-bench"))
    ask = ("add", "--repo-id", REPO, "--results", tmp_path / "data", "--format", "eval-results", "--create-pr")
    code, _, err = run(capsys, *ask)
    assert code == 0, err
    assert eval_files(shapes, "refs/pr/1") == {
        "hle.yaml": ("cais/hle", "hle", 21.5, None),
        "hle_with_tools.yaml": ("cais/hle", "hle", 29.5, "With tools"),
        "mmlu_pro_with_tools.yaml": ("TIGER-Lab/MMLU-Pro", "mmlu_pro", 61.5, "With tools"),
        "swe_bench_verified.yaml": ("SWE-bench/SWE-bench_Verified", "swe_bench_%_resolved", 51.5, None),
    }


@pytest.mark.parametrize(
    ("name", "repo", "asked"),
    [
        ("mmlu_pro", "lab/easy-mmlu-pro", True),
        ("mmlu_pro", "lab/MMLU-Pro", True),  # anybody can call a data set so
        ("mmlu_pro", "easy_pro", True),
        ("mmlu_pro", "tiger-lab/mmlu-pro", False),
        ("mmlu_pro", "MMLU-Pro", False),  # an old name, without an owner
        ("mmlu_pro", "modelscope/MMLU-Pro", False),
    ],
)
def test_a_result_on_another_data_set_is_asked_about(
    shapes: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str, repo: str, asked: bool
) -> None:
    record(tmp_path, name, 61.5, unit="percent", hf_repo=repo, hf_split="test")
    ask = ("add", "--repo-id", REPO, "--results", tmp_path / "data", "--format", "eval-results", "--create-pr")
    code, _, err = run(capsys, *ask)
    assert code == 3 * asked, err
    assert ("not known to hold" in err) is asked and bool(shapes.pull_requests(REPO)) is not asked
    if asked:
        assert run(capsys, *ask, "--counts-as", f"{name}=TIGER-Lab/MMLU-Pro:mmlu_pro")[0] == 0


def test_copies_that_harnesses_read_are_the_benchmarks() -> None:
    mapping = json.loads((Path(manager.__file__).parent.parent / "metric_mapping.json").read_text(encoding="utf-8"))
    known = {
        "gsm8k": "openai/gsm8k gsm8k AI-ModelScope/gsm8k",
        "mmlu": "cais/mmlu hails/mmlu_no_train lighteval/mmlu lukaemon/mmlu",
        "arc_challenge": "allenai/ai2_arc ai2_arc",
        "hellaswag": "Rowan/hellaswag hellaswag",
        "winogrande": "winogrande allenai/winogrande",
        "truthfulqa": "truthful_qa truthfulqa/truthful_qa",
        "bbh": "lukaemon/bbh SaylorTwift/bbh",
        "aime_2024": "HuggingFaceH4/aime_2024 Maxwell-Jia/AIME_2024",
    }
    found = [manager.other_data(mapping[key], repo) for key, repos in known.items() for repo in repos.split()]
    assert found == [""] * len(found)
    assert manager.other_data(mapping["gsm8k"], "evil/gsm8k") and manager.other_data(mapping["gsm8k"], "cais/mmlu")


def test_unsure_result_is_asked_about(shapes: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    record(tmp_path, "our gpqa", 45.4, hf_repo="Idavidrein/gpqa", unit="percent")
    ask = ("add", "--repo-id", REPO, "--results", tmp_path / "data", "--format", "eval-results", "--create-pr")
    code, _, err = run(capsys, *ask)
    assert code == 3 and "--counts-as 'our gpqa=Idavidrein/gpqa:diamond'" in err and shapes.pull_requests(REPO) == []
    assert run(capsys, *ask, "--counts-as", "our gpqa=none")[0] == 0 and shapes.pull_requests(REPO) == []
    assert run(capsys, *ask, "--counts-as", "our gpqa=Idavidrein/gpqa:main")[0] == 0
    assert eval_files(shapes, "refs/pr/1") == {"gpqa_main.yaml": ("Idavidrein/gpqa", "main", 45.4, None)}


def test_plan_with_open_questions_is_not_applied(
    shapes: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    record(tmp_path, "our gpqa", 45.4, hf_repo="Idavidrein/gpqa", unit="percent")
    plan = tmp_path / "plan.json"
    assert run(capsys, "add", "--repo-id", REPO, "--results", tmp_path / "data", "--output", plan)[0] == 3
    if plan.exists():
        assert run(capsys, "apply", plan, "--create-pr")[0] == 3
    assert shapes.pull_requests(REPO) == []


def test_new_benchmark_is_used_without_a_change_of_ours(
    shapes: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """It appears while the list of today is kept."""
    record(tmp_path, "brand_new", 0.5, hf_repo="lab/brand-new")
    ask = ("add", "--repo-id", REPO, "--results", tmp_path / "data", "--format", "eval-results", "--create-pr")
    assert run(capsys, *ask)[0] == 0 and shapes.pull_requests(REPO) == []
    shapes.create_benchmark("lab/brand-new", ["brand_new"], "Brand New")
    code, _, err = run(capsys, *ask)
    assert code == 0, err
    assert eval_files(shapes, "refs/pr/1") == {"brand_new.yaml": ("lab/brand-new", "brand_new", 0.5, None)}


def test_a_benchmark_that_may_not_be_read_is_not_called_none(
    shapes: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    shapes.create_benchmark("lab/closed", ["closed"], "Closed", gated="auto")
    record(tmp_path, "closed", 41.5, unit="percent", hf_repo="lab/closed")
    ask = ("add", "--repo-id", REPO, "--results", tmp_path / "data", "--format", "eval-results")
    _, out, err = run(capsys, *ask)
    assert "gated, and this token has no access" in out and "has all of it already" not in err
    code, out, more = run(capsys, "benchmarks", "--results", tmp_path)
    assert code == 1 and "gated, and this token has no access" in out
    assert not any("no official Benchmark" in text or "is of an official" in text for text in (out, err, more))


def test_local_card_asks_nothing(shapes: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    card = tmp_path / "README.md"
    card.write_text("# Foo-7B\n", encoding="utf-8")
    record(tmp_path, "mmlu_pro", 0.5, hf_repo="TIGER-Lab/MMLU-Pro")
    ask = ("add", "--repo-id", REPO, "--results", tmp_path / "data", "--card", card, "--apply")
    code, _, err = run(capsys, *ask)
    assert code == 0 and shapes.count() == 0 and manager.shipped_list().as_of in err
    assert (tmp_path / ".eval_results" / "mmlu_pro.yaml").is_file()


def test_which_of_our_results_count(shapes: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    record(tmp_path, "gsm8k", 0.7, "exact_match", hf_repo="openai/gsm8k")
    record(tmp_path, "mmlu_pro:math", 0.4, hf_repo="TIGER-Lab/MMLU-Pro")
    record(tmp_path, "swe_bench_verified", 0.4, "resolved_rate")
    record(tmp_path, "hle", 0.4, "f1")
    rows = {row["benchmark"]: row for row in document(capsys, "benchmarks", "--results", tmp_path)["results"]}
    assert (rows["gsm8k"]["dataset_id"], rows["gsm8k"]["why_not"]) == ("openai/gsm8k", None)
    assert "a part of a benchmark" in rows["mmlu_pro:math"]["why_not"]
    assert "its own harness" in rows["swe_bench_verified"]["why_not"]
    assert "not the metric" in rows["hle"]["why_not"] and rows["hle"]["dataset_id"] is None, "as `add` has it"
    (tmp_path / "none").mkdir()
    record(tmp_path / "none", "hellaswag", 0.4)
    assert run(capsys, "benchmarks", "--results", tmp_path / "none")[0] == 1
