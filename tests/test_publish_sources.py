"""Sources of results to publish: the Artificial Analysis API and evaluation records; and results written as records."""

import copy
import dataclasses
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from types import SimpleNamespace

import evaluation_manager as manager
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from local_hub import ArtificialAnalysis
from rich.console import Console

ROOT = Path(__file__).resolve().parent.parent
MAPPING = json.loads((ROOT / "metric_mapping.json").read_text(encoding="utf-8"))
VOCABULARY = manager.vocabulary_of(MAPPING)
RESULTS = ROOT / "examples" / "tiny_run" / "results"
CHECK_RECORDS = ROOT.parent / "shared" / "check_records.py"
NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)


def refused(code, call, *args, **kwargs) -> str:
    """The message of the ScriptError that a call ends with."""
    with pytest.raises(manager.ScriptError) as caught:
        call(*args, **kwargs)
    assert caught.value.code == code, caught.value
    return str(caught.value)


# --- Artificial Analysis: the request ---


@pytest.fixture
def aa(monkeypatch):
    with ArtificialAnalysis() as server:
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.fixture
def waits(monkeypatch):
    """The seconds that would have been waited between tries."""
    slept = []
    monkeypatch.setattr("tenacity.nap.time", SimpleNamespace(sleep=slept.append))
    return slept


def test_answer_is_kept_and_replayed_without_a_key(aa, tmp_path, capsys):
    kept = tmp_path / "answer.json"
    models = manager.fetch_aa(manager.aa_key(), kept)
    assert len(models) == 12
    assert aa.count() == 1
    assert manager.read_aa(kept) == models
    assert aa.key not in kept.read_text(encoding="utf-8") + "".join(capsys.readouterr())


def test_key_that_is_echoed_is_not_kept(aa, tmp_path):
    aa.payload["prompt_options"] = {"your_key": aa.key}
    manager.fetch_aa(aa.key, tmp_path / "answer.json")
    text = (tmp_path / "answer.json").read_text(encoding="utf-8")
    assert aa.key not in text
    assert json.loads(text)["prompt_options"] == {"your_key": "***"}


def test_busy_api_is_asked_again_as_it_says(aa, waits):
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    for nth, header in enumerate(({"Retry-After": "7"}, {"Retry-After": later}, {"Retry-After": "86400"}, {}), 1):
        aa.fault("GET", "/models", nth=nth, status=429 if nth % 2 else 503, headers=header)
    assert len(manager.fetch_aa(aa.key, None)) == 12
    assert aa.count() == 5
    assert waits[0] == 7
    assert 25 <= waits[1] <= 30
    assert waits[2] == 60
    assert 1 <= waits[3] <= 9


@pytest.mark.parametrize("fault", [{"status": 429}, {"status": 500}, {"drop": "answer"}, {"drop": "download"}])
def test_five_tries_and_no_more(aa, waits, capsys, fault):
    aa.fault("GET", "/models", times=99, **fault)
    assert "--input-json" in refused(2, manager.fetch_aa, aa.key, None)
    assert (aa.count(), len(waits)) == (5, 4)
    assert all(0 < wait <= 60 for wait in waits)
    assert "try 4 of 5" in capsys.readouterr().err


def test_nobody_listens(monkeypatch, waits):
    monkeypatch.setenv("AA_API_BASE", "http://127.0.0.1:9")
    assert "Connect" in refused(2, manager.fetch_aa, "a-key-of-mine", None)
    assert len(waits) == 4


@pytest.mark.parametrize("status", [401, 403])
def test_refused_key_is_explained(aa, waits, status):
    aa.fault("GET", "/models", status=status, message=f"no such key {aa.key}")
    message = refused(2, manager.fetch_aa, aa.key, None)
    assert "AA_API_KEY" in message
    assert ".env" in message
    assert aa.key not in message
    assert waits == []


def test_wrong_key_is_not_asked_twice(aa, waits):
    assert "does not know the key" in refused(2, manager.fetch_aa, "not-the-right-one", None)
    assert aa.count() == 1


def test_key_does_not_follow_to_another_server(aa):
    with ArtificialAnalysis() as other:
        aa.fault("GET", "/models", status=302, headers={"Location": f"{other.url}/api/v2/data/llms/models"})
        assert "another server" in refused(2, manager.fetch_aa, aa.key, None)
        assert other.count() == 0


def test_redirect_on_the_same_server_is_followed(aa):
    aa.fault("GET", "/models", status=308, headers={"Location": "/api/v2/data/llms/models"})
    assert len(manager.fetch_aa(aa.key, None)) == 12


def test_redirects_without_end(aa, waits):
    aa.fault("GET", "/models", times=99, status=302, headers={"Location": "/api/v2/data/llms/models"})
    assert "redirects" in refused(2, manager.fetch_aa, aa.key, None)


@pytest.mark.parametrize("base", ["http://artificialanalysis.ai", "ftp://127.0.0.1", "https://me:pw@host", "nonsense"])
def test_key_is_not_sent_in_the_clear(monkeypatch, base):
    monkeypatch.setenv("AA_API_BASE", base)
    assert "AA_API_BASE" in refused(2, manager.fetch_aa, "a-key-of-mine", None)


@pytest.mark.parametrize("key", ["short", "with space in it", "line\nbreak-in-it", "schlüssel-für-alles", "x" * 501])
def test_what_is_no_key_is_not_sent(aa, key):
    assert key not in refused(2, manager.fetch_aa, key, None)
    assert aa.count() == 0


def test_key_comes_from_the_environment_or_dotenv(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AA_API_KEY", raising=False)
    message = refused(2, manager.aa_key)
    assert "--input-json" in message
    (tmp_path / ".env").write_text("AA_API_KEY='from the file'\nHF_TOKEN=other\n", encoding="utf-8")
    assert manager.aa_key() == "from the file"
    monkeypatch.setenv("SECRET", "of-another-service")
    (tmp_path / ".env").write_text("AA_API_KEY=${SECRET}\n", encoding="utf-8")
    assert "names another variable" in refused(2, manager.aa_key)
    monkeypatch.setenv("AA_API_KEY", " from the environment \n")
    assert manager.aa_key() == "from the environment"


OTHER_SHAPES = [
    "<html>Sorry</html>",
    "",
    "[]",
    "{}",
    '{"data": []}',
    '{"data": {}}',
    '{"data": [1]}',
    "\xff",
    "[" * 99999,
]


@pytest.mark.parametrize("body", [text.encode("latin-1") for text in OTHER_SHAPES])
def test_answer_of_another_shape_is_an_error(aa, tmp_path, body):
    aa.fault("GET", "/models", status=200, body=body)
    refused(2, manager.fetch_aa, aa.key, tmp_path / "answer.json")
    assert list(tmp_path.iterdir()) == []


def test_answer_without_measure_is_not_read(aa, monkeypatch):
    monkeypatch.setattr(manager, "MAX_ANSWER", 1000)
    assert "longer than 1,000 bytes" in refused(2, manager.fetch_aa, aa.key, None)


def test_damaged_model_is_named_and_the_others_stay(aa, capsys):
    aa.payload["data"][3]["slug"] = None
    aa.payload["data"][5]["model_creator"] = "me"
    aa.payload["data"][6]["evaluations"] = [1]
    assert len(manager.fetch_aa(aa.key, None)) == 9
    said = capsys.readouterr().err
    assert all(f"data[{number}]" in said for number in (3, 5, 6))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0), ("7", 7), (" 2.5 ", 2.5), ("Sat, 21 Nov 2026 08:00:30 GMT", 30), ("Sat, 21 Nov 2026 07:00:00 GMT", 0),
        ("", None), ("soon", None), ("-5", None), ("inf", None), ("nan", None), ("٣", None), ("99999999999", None),
    ],
)  # fmt: skip
def test_retry_after(text, seconds):
    assert manager.retry_after(text, NOW) == seconds


@settings(deadline=None)
@given(st.text(max_size=40))
def test_retry_after_of_any_text_is_no_traceback(text):
    found = manager.retry_after(text, NOW)
    assert found is None or found >= 0


# --- Artificial Analysis: models and their evaluations ---


@pytest.fixture
def models():
    path = Path(__file__).with_name("fixtures") / "artificial_analysis.json"
    return manager.read_aa(path)


@pytest.mark.parametrize(
    ("creator", "name", "slug"),
    [
        ("example-labs", "sample-7b", "sample-7b"),
        ("Example Labs", "Sample 7B Instruct", "sample-7b-instruct"),
        ("example-labs", "sample 70b (reasoning, high)", "sample-70b-reasoning-high"),
        ("imaginary-models", "sample_7b", "sample-7b"),
    ],
)
def test_model_is_found_by_slug_or_name_within_its_creator(models, creator, name, slug):
    found = manager.find_aa_model(models, creator, name)
    assert found["slug"] == slug
    assert manager.normalize_name(found["model_creator"]["slug"]) == manager.normalize_name(creator)


def test_model_that_is_not_there_names_the_nearest(models):
    message = refused(1, manager.find_aa_model, models, "example-labs", "sample-7b-instrukt")
    assert "nearest: sample-7b-instruct" in message
    assert "nearest: mirage-mini" in refused(1, manager.find_aa_model, models, "fictional-ai", "Mirage Mini 2")
    assert "mirage-large" in refused(1, manager.find_aa_model, models, "fictional-ai", "zzzz")  # then what it has
    assert "fictional-ai" in refused(1, manager.find_aa_model, models, "nobody", "x")
    assert "(did you mean example-labs?)" in refused(1, manager.find_aa_model, models, "exampel-labs", "x")
    refused(1, manager.find_aa_model, models, "example-labs", "")


def test_model_that_is_several_is_a_choice_and_the_slug_decides(models):
    twin = copy.deepcopy(models[0])
    twin["slug"] = "sample-7-b"
    message = refused(3, manager.find_aa_model, [*models, twin], "example-labs", "Sample 7B")
    assert "Sample 7B (slug sample-7b), Sample 7B (slug sample-7-b)" in message
    assert manager.find_aa_model([*models, twin], "example-labs", "sample-7-b") is twin


def modes(models, *names):
    """A model in several modes, the plain slug that of the last one."""
    rows = [{**copy.deepcopy(models[0]), "name": name, "slug": name.lower().replace(" ", "-")} for name in names]
    rows[-1]["slug"] = "plover-70b"
    return [row | {"model_creator": {"slug": "acme", "name": "Acme"}} for row in rows]


def test_a_name_that_modes_share_is_none_of_them(models):
    rows = modes(models, "Plover 70B (Reasoning)", "Plover 70B (Non-reasoning)")
    message = refused(3, manager.find_aa_model, rows, "acme", "Plover 70B")
    assert "Plover 70B (Reasoning) (slug " in message and "(slug plover-70b)" in message
    assert manager.same_aa_model(rows, "acme/Plover-70B") is None
    for said, mode in (("plover-70b", "Non-reasoning"), ("plover 70b (reasoning)", "Reasoning")):
        found = manager.find_aa_model(rows, "acme", said)
        assert {entry.variant for entry in manager.aa_entries(found, MAPPING)[0]} == {mode}
    assert manager.find_aa_model(rows[1:], "acme", "Plover 70B") is rows[1]
    assert manager.same_aa_model(rows[1:], "acme/Plover-70B") is rows[1]


@pytest.mark.parametrize(
    ("creator", "owner", "same"),
    [
        ("mistral", "mistralai", True), ("swiss-ai-lab", "swiss-ai", True), ("bytedance_seed", "ByteDance", True),
        ("meta", "me", False), ("deepseek", "deep", False), ("xai", "x", False),
    ],
)  # fmt: skip
def test_the_creator_is_the_owner_but_for_whole_words(models, creator, owner, same):
    row = models[0] | {"name": "Plover 70B", "slug": "plover-70b", "model_creator": {"slug": creator, "name": creator}}
    assert (manager.same_aa_model([row], f"{owner}/Plover-70B") is row) == same


def test_a_date_behind_a_name_is_a_version_and_no_mode(models):
    (row,) = modes(models, "Plover 70B (Dec '24)")
    assert {entry.variant for entry in manager.aa_entries(row, MAPPING)[0]} == {None}


def test_all_known_evaluations_become_entries(models):
    model = manager.find_aa_model(models, "example-labs", "sample-70b-instruct")
    entries, left = manager.aa_entries(model, MAPPING)
    assert left == []
    assert {entry.origin.removeprefix("evaluations."): entry.value for entry in entries} == model["evaluations"]
    by_key = {entry.key: entry for entry in entries}
    assert by_key["gpqa_diamond"] == manager.Entry(
        benchmark="GPQA Diamond",
        value=0.559,
        origin="evaluations.gpqa",
        key="gpqa_diamond",
        unit="proportion",
        source_name="Artificial Analysis",
        source_url="https://artificialanalysis.ai/models/sample-70b-instruct",
    )
    assert all(MAPPING[entry.key]["unit"] == entry.unit for entry in entries)
    assert by_key["aa_intelligence_index"].unit == "points"


def test_missing_unusable_and_zero_are_three_things(models):
    model = manager.find_aa_model(models, "imaginary-models", "unicorn-1-5b")
    model["evaluations"] |= {"mmlu_pro": "0.5", "gpqa": float("nan"), "hle": True, "scicode": 45.2, "math_500": -0.1}
    model["evaluations"] |= {"new_bench\x1b[31m": 0.5, "artificial_analysis_math_index": 140, "lcr": None, "ifbench": 0}
    entries, left = manager.aa_entries(model, MAPPING)
    values = {entry.origin.removeprefix("evaluations."): entry.value for entry in entries}
    assert values["aime"] == values["ifbench"] == 0
    assert not {"mmlu_pro", "gpqa", "hle", "scicode", "math_500", "lcr", "artificial_analysis_math_index"} & set(values)
    assert len(entries) + len(left) == len(model["evaluations"])
    said = "\n".join(left)
    assert "lcr: Artificial Analysis has no value" in said
    assert "scicode: 45.2 is outside 0 to 1" in said
    assert "new_bench\\u001b[31m: metric_mapping.json does not know it" in said


def test_slug_is_quoted_in_the_url(models):
    model = {**models[0], "slug": "a/../b?c#d é"}
    assert {entry.source_url for entry in manager.aa_entries(model, MAPPING)[0]} == {
        "https://artificialanalysis.ai/models/a%2F..%2Fb%3Fc%23d%20%C3%A9"
    }


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
json_values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=2))
fields = st.sampled_from(["mmlu_pro", "gpqa", "aime_25", "tau2", "other"]) | st.text(max_size=4)


@settings(deadline=None)
@given(st.dictionaries(fields, json_values))
def test_every_evaluation_is_an_entry_or_named(evaluations):
    entries, left = manager.aa_entries({"slug": "s", "name": "S", "evaluations": evaluations}, MAPPING)
    assert len(entries) + len(left) == len(evaluations)
    assert all(0 <= entry.value <= 100 for entry in entries)
    assert all(line.isprintable() for line in left)


def test_list_shows_creators_models_and_counts(models, capsys):
    models[0]["name"] = "[red]Evil\x1b]0;title\x07\x9b31m\u202e"
    table, answer = manager.render_aa_list(models, None)
    Console(width=200).print(table)
    printed = capsys.readouterr().out
    assert "[red]Evil\\u001b]0;title" in printed
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(printed + json.dumps(answer, ensure_ascii=False))
    assert answer["creators"] == ["example-labs", "fictional-ai", "imaginary-models", "placeholder-research"]
    counts = {(row["creator_slug"], row["slug"]): row["evaluations"] for row in answer["models"]}
    assert counts["imaginary-models", "unicorn-preview"] == 0
    assert counts["example-labs", "sample-70b-instruct"] == 15
    assert len(manager.render_aa_list(models, "fictional-ai")[1]["models"]) == 3
    refused(1, manager.render_aa_list, models, "nobody")


# --- Records -> entries ---


def record(**changes) -> dict:
    """A record as lighteval_vllm_uv.py writes one, with some of it changed."""
    task, shots, metric_name = changes.get("task", "gsm8k"), changes.get("shots", "5"), changes.get("metric_name", "em")
    details = {"few_shot": shots, "seed": "1", **changes.get("details", {})}
    result = {
        "evaluation_result_id": f"{task}|{shots}/{metric_name}",
        "evaluation_name": task,
        "source_data": {
            "dataset_name": "gsm8k",
            "source_type": "hf_dataset",
            "hf_repo": "openai/gsm8k",
            "hf_split": "test",
            "additional_details": {"subset": "main", "revision": "abc"},
        },
        "metric_config": {
            "metric_id": changes.get("metric", "exact_match"),
            "metric_name": metric_name,
            "metric_unit": changes.get("unit", "proportion"),
            "lower_is_better": False,
        },
        "score_details": {"score": changes.get("score", 0.5)},
        "generation_config": {"additional_details": details},
    }
    weights = {"weights_sha256": changes["weights"]} if "weights" in changes else {}
    return {
        "schema_version": "0.3.0",
        "evaluation_id": "gsm8k/me/m/1795246661",
        "evaluation_timestamp": changes.get("when", "2026-11-21T07:37:41Z"),
        "retrieved_timestamp": "1795246661",
        "source_metadata": {
            "source_name": "lighteval_vllm_uv.py",
            "source_type": "evaluation_run",
            "source_organization_name": "unknown",
            "evaluator_relationship": "third_party",
        },
        "model_info": {
            "name": "m",
            "id": changes.get("model", "me/m"),
            "additional_details": {"deployment_type": "unknown", "model_availability": "unknown", **weights},
        },
        "eval_library": {"name": changes.get("library", "lighteval"), "version": changes.get("version", "0.13.0")},
        "evaluation_results": [result],
    }


@pytest.fixture
def results(tmp_path):
    """Writes records below a folder of results and returns it."""

    def write(*records, names=()):
        folder = tmp_path / "results" / "data" / "gsm8k" / "me" / "m"
        folder.mkdir(parents=True, exist_ok=True)
        for number, content in enumerate(records):
            name = names[number] if names else f"{number:08x}-0000-4000-8000-000000000000.json"
            (folder / name).write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return tmp_path / "results"

    return write


def read(folder, model_id=None, benchmarks=(), **options):
    return manager.read_entries([folder], model_id, "me/m", list(benchmarks), MAPPING, **options)


def test_record_becomes_an_entry(results):
    entries, notes = read(results(record()))
    assert notes == []
    assert entries == [
        manager.Entry(
            benchmark="gsm8k",
            value=0.5,
            origin="data/gsm8k/me/m/00000000-0000-4000-8000-000000000000.json",
            key="gsm8k",
            unit="proportion",
            metric="exact_match",
            shots="5-shot",
            task_type="text-generation",
            dataset=(
                ("type", "openai/gsm8k"), ("name", "gsm8k"), ("config", "main"), ("split", "test"), ("revision", "abc"),
            ),
            source_name="lighteval 0.13.0",
            date="2026-11-21T07:37:41Z",
            lower_is_better=False,
        )
    ]  # fmt: skip


def test_example_run_needs_a_choice_of_the_checkpoint():
    message = refused(3, manager.read_entries, [RESULTS], None, "me/tiny", [], MAPPING)
    assert "--model-id" in message
    assert message.endswith("tiny_run/step_900, tiny_run/step_1000")
    entries, notes = manager.read_entries([RESULTS], "tiny_run/step_800", "me/tiny", [], MAPPING)
    assert len(entries) == len({entry.key for entry in entries}) >= 15
    assert notes == ["the records are about tiny_run/step_800, published as me/tiny"]
    math = next(entry for entry in entries if entry.key == "math_reasoning")
    assert (math.value, math.unit, math.shots) == (0.24, "proportion", "0-shot")
    assert dict(math.dataset) == {"type": "math_reasoning", "name": "math_reasoning", "own files": "true"}
    one = manager.read_entries([RESULTS], "tiny_run/step_800", "me/tiny", ["Math Reasoning"], MAPPING)[0]
    assert one == [math]


def test_whose_records_are_meant(results):
    folder = results(record(), record(model="you/m", score=0.25))
    assert [entry.value for entry in read(folder)[0]] == [0.5]
    assert [entry.value for entry in read(folder, "you/m")[0]] == [0.25]
    assert "me/m, you/m" in refused(1, read, folder, "she/m")


def test_no_record_is_the_answer_no(results, tmp_path):
    assert "no evaluation record" in refused(1, read, results("{}", names=["other.json"]))
    refused(2, read, tmp_path / "nowhere")


def test_other_files_are_named_and_do_no_harm(results):
    names = ["a.json", *(f"0000000{n}-0000-4000-8000-00000000000f.json" for n in "ab"), "c.json"]
    old = json.dumps(record() | {"schema_version": "0.1.0"})
    folder = results('{"loss": 1}', "{cut off", old, json.dumps(record() | {"model_info": []}), names=names)
    entries, notes = read(results(record()))
    assert len(entries) == 1
    assert sum(line.startswith("left out:") for line in notes) == 4
    assert all(any(name in line for line in notes) for name in names), folder


def test_failures_are_named_and_never_published(results):
    failed = {"task": "mmlu|5", "model_id": "me/m", "error": "out of memory\x1b[0m"}
    names = [f"{n:08x}-0000-4000-8000-00000000000f_failure.json" for n in range(3)] + ["r.json"]
    others = [{**failed, "model_id": "you/m"}, {**failed, "task": "gsm8k|5"}]  # of another model; measured since
    entries, notes = read(results(failed, *others, record(), names=names))
    assert [entry.key for entry in entries] == ["gsm8k"]
    assert [line.split(" (data")[0] for line in notes] == ["failed: mmlu|5: out of memory\\u001b[0m"]


def test_benchmark_filter(results):
    folder = results(record(), record(task="my_own_task", metric="score"))
    assert [e.key for e in read(folder, benchmarks=["GSM-8K"])[0]] == ["gsm8k"]
    assert [e.key for e in read(folder, benchmarks=["grade school math 8k"])[0]] == ["gsm8k"]
    assert [e.benchmark for e in read(folder, benchmarks=["My-Own-Task", "gsm8k"])[0]] == ["my_own_task", "gsm8k"]
    assert "did you mean gsm8k" in refused(2, read, folder, benchmarks=["gsmk8"])
    assert "no result of mmlu_pro" in refused(1, read, folder, benchmarks=["mmlu_pro"])


def two_metrics(task, *metrics) -> dict:
    content = record(task=task)
    row = content["evaluation_results"].pop()
    for number, metric in enumerate(metrics):
        new = copy.deepcopy(row) | {"evaluation_result_id": f"{task}|5/{metric}"}
        new["score_details"] = {"score": number / 10}
        new["metric_config"] |= {"metric_id": metric, "metric_name": metric}
        content["evaluation_results"].append(new)
    return content


def test_main_metric_is_taken(results):
    entries, notes = read(results(two_metrics("ifeval", "inst_level_strict_acc", "prompt_level_strict_acc")))
    assert [(entry.metric, entry.value) for entry in entries] == [("prompt_level_strict_acc", 0.1)]
    assert notes == ["left out, not the main metric: ifeval|5/inst_level_strict_acc"]


def test_metric_named_by_its_result_id(results):
    folder = results(two_metrics("ifeval", "inst_level_strict_acc", "prompt_level_strict_acc"))
    entries, _ = read(folder, benchmarks=["ifeval|5/inst_level_strict_acc"])
    assert [entry.metric for entry in entries] == ["inst_level_strict_acc"]


def test_several_unknown_metrics_are_a_choice(results):
    folder = results(two_metrics("my_own_task", "beauty", "depth"))
    assert "my_own_task|5/beauty, my_own_task|5/depth" in refused(3, read, folder)
    assert [entry.metric for entry in read(folder, benchmarks=["my_own_task|5/depth"])[0]] == ["depth"]


def test_only_metric_is_taken_and_said_not_to_be_the_main_one(results):
    entries, notes = read(results(record(metric="f1", metric_name="f1")))
    assert [entry.metric for entry in entries] == ["f1"]
    assert notes == ["gsm8k: f1 is not the benchmark's main metric"]


def test_pass_at_1_is_the_main_metric_however_it_is_written(results):
    folder = results(two_metrics("humaneval", "pass@10", "pass@1"), two_metrics("mbpp", "pass_at_10", "pass_at_1"))
    assert [entry.metric for entry in read(folder)[0]] == ["pass@1", "pass_at_1"]


def test_part_of_a_benchmark_is_not_the_benchmark(results):
    entries, _ = read(results(record(task="mmlu:anatomy", metric="accuracy")))
    assert [(entry.benchmark, entry.key) for entry in entries] == [("mmlu:anatomy", None)]
    whole = record(task="mmlu:_average", metric="accuracy", score=0.4)
    entries, notes = read(results(record(task="mmlu:anatomy", metric="accuracy"), whole))
    assert [(entry.key, entry.value) for entry in entries] == [("mmlu", 0.4)]
    assert notes == ["left out, parts of a whole that is there: mmlu:anatomy"]


def test_partial_run_is_refused_unless_allowed(results):
    limited = record(details={"limit": "10"}, score=0.9)
    message = refused(2, read, results(limited))
    assert "--allow-partial" in message
    assert "limit 10" in message
    entries, notes = read(results(limited), allowed=manager.Allowed(partial=True))
    assert ([entry.value for entry in entries], len(notes)) == ([0.9], 1)
    entries, notes = read(results(limited, record()))  # a full run is there: the smoke test says nothing
    assert [entry.value for entry in entries] == [0.5]
    assert notes[0].startswith("left out, partial")


def test_a_handful_of_items_is_not_the_benchmark_though_nobody_says_that_it_was_limited(results):
    few = record(score=1.0)
    few["evaluation_results"][0]["score_details"]["uncertainty"] = {"num_samples": 5}
    message = refused(2, read, results(few))
    assert "5 items, and gsm8k has 1319" in message and "--allow-partial" in message
    assert len(read(results(few), allowed=manager.Allowed(partial=True))[0]) == 1
    few["evaluation_results"][0]["score_details"]["uncertainty"] = {"num_samples": 1310}  # of 1319: a few were lost
    assert len(read(results(few))[0]) == 1


def test_contradiction_names_both_files(results):
    message = refused(3, read, results(record(score=0.4), record(score=0.5)))
    assert "(gsm8k: 0.4 and 0.5)" in message
    assert "00000000-" in message
    assert "00000001-" in message
    other = record(details={"system_prompt": "Think."})
    assert "different settings (system prompt: nothing and Think.)" in refused(
        3, read, results(record(score=0.4), other)
    )


def test_same_result_twice_is_one_and_other_settings_are_another(results):
    assert len(read(results(record(), record()))[0]) == 1
    assert [entry.shots for entry in read(results(record(), record(shots="0", score=0.3)))[0]] == ["5-shot", "0-shot"]


def test_results_of_different_weights_are_not_one_model(results):
    folder = results(record(weights="aa"), record(task="mmlu", metric="accuracy", weights="bb"))
    assert "measured 2 times with weights, or files beside them" in refused(3, read, folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"score": float("nan")}, {"score": float("inf")}, {"score": None}, {"score": "0.5"}, {"score": True},
        {"score": 45.2}, {"score": -0.1}, {"unit": "percent", "score": 101},
    ],
)  # fmt: skip
def test_unusable_score_is_refused_with_its_file(results, changes):
    assert "00000000-0000-4000-8000-000000000000.json" in refused(2, read, results(record(**changes)))


@pytest.mark.parametrize("unit", ["", None, "unknown"])
def test_score_without_a_unit_has_none_when_published(results, unit):
    """Not the benchmark's: whoever wrote the record did not say that it is."""
    assert [entry.unit for entry in read(results(record(unit=unit)))[0]] == [None]


@pytest.mark.parametrize("part", ["metric_config", "score_details", "evaluation_name", "generation_config"])
@pytest.mark.parametrize("value", [7, ["x"], ""])
def test_damaged_record_is_refused_with_its_file(results, part, value):
    content = record()
    content["evaluation_results"][0][part] = value
    if (part, value) == ("generation_config", ""):
        value = content["evaluation_results"][0][part] = "x"
    assert "00000000-0000-4000-8000-000000000000.json" in refused(2, read, results(content))


@settings(deadline=None)
@given(st.data())
def test_any_damage_is_no_traceback(tmp_path_factory, data):
    content = record()
    node, path = content, []
    while isinstance(node, dict | list) and node and (not path or data.draw(st.booleans())):
        key = data.draw(st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node))))
        path.append((node, key))
        node = node[key]
    holder, key = path[-1]
    holder[key] = data.draw(json_values | st.dictionaries(st.text(max_size=3), json_values, max_size=2))
    folder = tmp_path_factory.mktemp("damaged")
    (folder / "record.json").write_text(json.dumps(content), encoding="utf-8")
    try:
        entries, notes = read(folder)
    except manager.ScriptError as error:
        assert error.code in (1, 2, 3)
        return
    assert all(manager.is_number(entry.value) for entry in entries)
    assert all(line.isprintable() for line in notes)
    assert all(text is None or text.isprintable() for entry in entries for text in (entry.benchmark, entry.metric))


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("1795246661", "2026-11-21T07:37:41Z"), ("1795246661.25", "2026-11-21T07:37:41Z"), ("2026-11-21", "2026-11-21"),
        ("2026-11-21T07:37:41+00:00", "2026-11-21T07:37:41+00:00"), ("20261121", "2026-11-21T00:00:00"),
        ("2026-11-21 07:37", "2026-11-21T07:37:00"), ("yesterday", None), ("", None), (None, None),
    ],
)  # fmt: skip
def test_iso_time(text, time):
    assert manager.iso_time(text) == time


def test_date_that_is_none_is_left_out_and_said(results):
    entries, notes = read(results(record(when="last week")))
    assert entries[0].date is None
    assert "last week is not ISO 8601" in notes[0]


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("https://a.b/c", True), ("http://a", True), ("javascript:alert(1)", False), ("file:///etc", False),
        ("a.b/c", False), ("https://", False), ("https://a b", False), ("https://a/\n", False), ("https://[", False),
        (None, False), ('https://a/"><script>', False),
    ],
)  # fmt: skip
def test_web_url(text, good):
    assert manager.web_url(text) == (text if good else None)


# --- Entries -> records ---


def card_entry(**changes):
    told = {"benchmark": "MMLU-Pro", "value": 45.2, "origin": "table 1, row 2, column 3", "key": "mmlu_pro"}
    told |= {"source_name": "Model card, table 1", "source_url": "https://huggingface.co/me/m"}
    return manager.Entry(**told | changes)


def write_records(folder, entries, repo_id="me/m"):
    records = manager.entries_records(entries, repo_id, MAPPING, NOW)
    for path, content in records:
        manager.write_whole(folder / path, manager.to_json(content))
    return records


def some_entries() -> list:
    """Results of a card and of Artificial Analysis, with and without what a source may say."""
    api = {"source_name": "Artificial Analysis", "source_url": "https://artificialanalysis.ai/models/x"}
    return [
        card_entry(),
        card_entry(unit="percent", metric="Acc.", shots="5-shot", date="2026-01-02"),
        card_entry(value=0, variant="With tools", shots="5-shot, CoT"),
        card_entry(benchmark="../../etc/passwd\n", key=None, metric="WER", unit="percent", source_url=None),
        card_entry(benchmark="Émile 測試", key=None, dataset=(("type", "a/b"), ("config", "c"), ("split", "test"))),
        manager.Entry("gpqa", 0.559, "evaluations.gpqa", "gpqa_diamond", "proportion", **api),
    ]


def test_records_have_their_place_and_say_who_says_so(tmp_path):
    records = dict(write_records(tmp_path, some_entries()))
    assert len(records) == len(some_entries())
    assert all(path.count("/") == 4 and ".." not in path and path.startswith("data/") for path in records)
    assert all(manager.RECORD_NAME.fullmatch(path.rpartition("/")[2]) for path in records)
    said = {r["source_metadata"]["source_organization_name"]: r["source_metadata"] for r in records.values()}
    assert said["me"]["evaluator_relationship"] == "first_party"
    assert said["Artificial Analysis"]["evaluator_relationship"] == "third_party"
    units = [r["evaluation_results"][0]["metric_config"]["metric_unit"] for r in records.values()]
    assert units == ["unknown", "percent", "unknown", "percent", "unknown", "proportion"]
    assert len({r["evaluation_id"] for r in records.values()}) == len(records)


@pytest.mark.skipif(not CHECK_RECORDS.is_file(), reason="../shared/check_records.py is not there")
def test_records_are_valid(tmp_path):
    write_records(tmp_path, some_entries())
    write_records(tmp_path, some_entries()[:1], "no-owner")
    done = subprocess.run([sys.executable, CHECK_RECORDS, tmp_path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout
    assert "7 records, 0 problems" in done.stderr


def test_same_result_has_the_same_record_another_has_another():
    def paths(entry, repo_id="me/m"):
        return {path for path, _ in manager.entries_records([entry], repo_id, MAPPING, datetime.now(UTC))}

    first = card_entry()
    assert paths(first) == paths(card_entry(origin="table 9, row 1, column 1", source_name="Model card, table 9"))
    changes = [{"value": 45.3}, {"shots": "0-shot"}, {"variant": "With tools"}, {"metric": "F1"}, {"unit": "percent"}]
    others = [paths(card_entry(**change)) for change in [*changes, {"source_name": "Artificial Analysis"}]]
    assert len(set.union(paths(first), paths(first, "me/n"), *others)) == len(others) + 2
    assert len(manager.entries_records([first, first], "me/m", MAPPING, NOW)) == 1


words = st.text(st.characters(categories=["L", "N", "P", "Zs"]), min_size=1, max_size=12).filter(
    lambda text: manager.single_line(text) == text and not manager.disguised(f"Zzyzx {text}")  # no reader takes those
)


@settings(deadline=None)
@given(
    value=st.floats(0, 1) | st.integers(0, 1),
    unit=st.sampled_from([None, "percent", "proportion", "points"]),
    shots=st.sampled_from([None, "0-shot", "5-shot", "3-5-shot, CoT"]),
    metric=st.sampled_from([None, "Acc.", "accuracy", "pass@1", "F1"]),
    variant=st.none() | words,
    benchmark=words,
)
def test_record_that_is_written_reads_back(tmp_path_factory, value, unit, shots, metric, variant, benchmark):
    known = card_entry(value=value, unit=unit, shots=shots, metric=metric, variant=variant)
    for entry in (known, dataclasses.replace(known, benchmark=f"Zzyzx {benchmark}", key=None)):
        folder = tmp_path_factory.mktemp("written")
        write_records(folder, [entry])
        (found,), _ = read(folder)
        assert (found.value, found.unit, found.key) == (entry.value, entry.unit, entry.key)
        assert (found.shots, found.variant, found.source_url) == (entry.shots, entry.variant, entry.source_url)
        assert found.metric == (manager.metric_type(entry.metric) if entry.metric else None)
        assert found.source_name == entry.source_name


@pytest.mark.parametrize("key", [key for key, entry in MAPPING.items() if entry["kind"] == "benchmark"])
def test_every_benchmark_is_read_back_under_its_key(key):
    label = MAPPING[key]["artificial_analysis"] or f"{key} as the card calls it"
    ((_, content),) = manager.entries_records([card_entry(benchmark=label, key=key)], "me/m", MAPPING, NOW)
    name = content["evaluation_results"][0]["evaluation_name"]
    assert VOCABULARY.find_task(name, "unknown") == (key, "")


# --- A number that was published elsewhere ---------------------------------------------------------------------------

PAPER = "https://arxiv.org/abs/2401.00001"


def reported(folder: Path, capsys, *words: str, source: str = PAPER) -> tuple[int, dict, str]:
    card = folder / "README.md"
    if not card.exists():
        card.write_text("---\nlicense: mit\n---\n# Foo\n", encoding="utf-8")
    more = ["--source", source] if source else []
    code = manager.main(["add", "--card", str(card), "--repo-id", "me/Foo", *words, *more, "--json"])
    told = capsys.readouterr()
    return code, json.loads(told.out) if told.out else {}, told.err


@pytest.mark.parametrize(
    ("given", "value", "metric", "name"),
    [
        ("HumanEval pass@1=84.1", 84.1, "pass@1", "HumanEval"), ("HumanEval=84,1 %", 84.1, "pass@1", "HumanEval"),
        ("GSM8K (5-shot)=.77", 0.77, "exact_match", "GSM8K"), ("My Bench (f1)=61", 61, "f1", "My Bench"),
        ("IFEval (prompt_level_strict_acc)=80", 80, "prompt_level_strict_acc", "IFEval"),
        ("LibriSpeech test-clean WER=5.3", 5.3, "wer", "LibriSpeech"),
    ],
)  # fmt: skip
def test_a_number_of_a_paper_is_written_with_where_it_stands(tmp_path, capsys, given, value, metric, name) -> None:
    before = (reported(tmp_path, capsys, "--value", given), (tmp_path / "README.md").read_text(encoding="utf-8"))
    assert before[0][0] == 0 and "model-index" not in before[1]  # a dry run first
    assert any("was not measured here" in line and PAPER in line for line in before[0][1]["notes"])
    code, _, err = reported(tmp_path, capsys, "--value", given, "--apply")
    assert code == 0, err
    front = yaml.safe_load((tmp_path / "README.md").read_text(encoding="utf-8").split("---\n")[1])
    (result,) = front["model-index"][0]["results"]
    assert (result["metrics"][0]["value"], result["metrics"][0]["type"]) == (value, metric)
    assert result["source"] == {"name": "reported by arxiv.org", "url": PAPER}
    assert result["dataset"]["name"].startswith(name)
    other = given.rpartition("=")[0] + "=33.3"
    code, _, err = reported(tmp_path, capsys, "--value", other, "--apply")  # what is there stays
    assert code != 0 and f"{value:g}" in err


@pytest.mark.parametrize(
    ("words", "source", "code", "said"),
    [
        (("--value", "HumanEval=84.1"), "", 3, "needs --source URL"),
        (("--value", "HumanEval=84.1"), "the paper", 2, "begins with https://"),
        (("--value", "HumanEval 84.1"), PAPER, 2, "NAME=NUMBER is expected"),
        (("--value", "HumanEval=good"), PAPER, 2, "NAME=NUMBER is expected"),
        (("--value", "My Bench=61"), PAPER, 3, "of which metric"),
        (("--value", "IFEval=80"), PAPER, 3, "of which metric"),
        (("--value", "HumanEval=841"), PAPER, 1, "at most 100"),
        (("--value", "HumanEval=84.1", "--results", "results"), PAPER, 2, "not allowed with"),
        (("--results", "results"), PAPER, 2, "records say theirs"),
    ],
)
def test_a_number_without_its_place_or_measure_is_asked_about(tmp_path, capsys, words, source, code, said) -> None:
    try:
        found, _, err = reported(tmp_path, capsys, *words, source=source)
    except SystemExit as ended:  # the parser's own
        found, err = ended.code, capsys.readouterr().err
    assert (found, said in err) == (code, True), err
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == "---\nlicense: mit\n---\n# Foo\n"
