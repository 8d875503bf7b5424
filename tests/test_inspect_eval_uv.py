"""inspect_eval_uv.py without inspect: task names, refusals, plans, and the records that are made of inspect's logs."""

import json
import math
import subprocess
import sys
from pathlib import Path

import inspect_eval_uv as script
import pytest
from hypothesis import given
from hypothesis import strategies as st

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"
MODEL = {"name": "m", "id": "o/m", "developer": "o"}
MODEL["additional_details"] = {"deployment_type": "externally_managed", "model_availability": "unknown"}
SOURCE = {"dataset_name": "d", "source_type": "other"}


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """A folder on the path with what the script reads of inspect-ai and inspect-evals without importing them."""
    folder = tmp_path / "packages"
    for name in ("gsm8k", "humaneval", "mmlu", "mbpp"):
        (folder / "inspect_evals" / name).mkdir(parents=True)
    root = folder / "inspect_evals"
    (root / "__init__.py").write_text("raise RuntimeError('imported')")
    (root / "_registry.py").write_text(
        "from inspect_evals.gsm8k import gsm8k\nfrom inspect_evals.humaneval import humaneval\n"
        "from inspect_evals.mbpp import mbpp\nfrom inspect_evals.mmlu import (\n    mmlu_0_shot,\n    mmlu_5_shot,\n)\n"
    )
    (root / "gsm8k/eval.yaml").write_text("tasks:\n  - name: gsm8k\n    dataset_samples: 1319\n")
    (root / "mbpp/eval.yaml").write_text("tasks:\n  - name: mbpp\n    dataset_samples: 257\n")
    (root / "mbpp/mbpp.py").write_text("Task(epochs=Epochs(5))")
    (root / "humaneval/eval.yaml").write_text(
        "tasks:\n  - name: humaneval\n    dataset_samples: 164\nmetadata:\n  sandbox: [scorer]\n"
    )
    for name, version in (("inspect_ai", "0.3.285"), ("inspect_evals", "0.26.0")):
        info = folder / f"{name}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: {version}\n")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.chdir(tmp_path)
    return folder


def named(asked: str, name: str, module: str | None = None) -> script.Task:
    """A task before it is loaded."""
    return script.Task(name, script.RequestedTask(asked, name, module))


def run(capsys, *words: str) -> tuple[int, str, str]:
    code = script.main(list(words))
    out, err = capsys.readouterr()
    return code, out, err


def plan(capsys, *words: str) -> dict:
    code, out, err = run(capsys, "--model", "o/m", *words, "--dry-run", "--json")
    assert code == 0, err
    return json.loads(out)


# --- names of tasks ---


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("mmlu", "inspect_evals/mmlu_0_shot"),
        ("mmlu_5_shot", "inspect_evals/mmlu_5_shot"),
        ("gsm8k", "inspect_evals/gsm8k"),
        ("inspect_evals/gsm8k", "inspect_evals/gsm8k"),
    ],
)
def test_a_task_is_found_under_the_names_that_people_use(packages, capsys, asked, name):
    assert [row["task"] for row in plan(capsys, "--task", asked)["tasks"]] == [name]


def test_the_mapping_is_shown(packages, capsys):
    _, _, err = run(capsys, "--model", "o/m", "--task", "mmlu", "--dry-run")
    assert "mmlu is inspect_evals/mmlu_0_shot" in err


def test_the_names_that_everybody_knows_are_there():
    known = {"mmlu", "gsm8k", "hellaswag", "arc_challenge", "truthfulqa", "winogrande", "humaneval"}
    assert known <= set(script.INSPECT_TASKS)
    assert all(name.startswith("inspect_evals/") for name in script.INSPECT_TASKS.values())


@pytest.mark.parametrize(
    ("asked", "near"), [("gsm8", "gsm8k"), ("human_eval", "humaneval"), ("mmlu_0shot", "mmlu_0_shot")]
)
def test_an_unknown_task_is_refused_with_the_nearest_names(packages, capsys, asked, near):
    code, out, err = run(capsys, "--model", "o/m", "--task", asked)
    assert code == 2 and out == "" and near in err and err.count("\n") == 1


@given(st.text(min_size=1, max_size=30))
def test_any_text_is_a_task_or_refused_in_words(text):
    try:
        found = script.inspect_task(text, {"gsm8k": "inspect_evals.gsm8k"})
    except script.ScriptError as error:
        assert error.code == 2
    else:
        assert found.name == "inspect_evals/gsm8k"


def test_tasks_of_a_file_are_read_and_not_run(packages, capsys, tmp_path):
    source = "raise RuntimeError\nfrom inspect_ai import task\n\n@task\ndef one():\n    pass\n\n"
    (tmp_path / "mine.py").write_text(
        source + '@inspect_ai.task(name="two")\ndef other():\n    pass\n\ndef no(): pass\n'
    )
    names = script.file_tasks("mine.py")
    assert [(task.name, task.file.name) for task in names] == [("one", "mine.py"), ("two", "mine.py")]
    assert [task.name for task in script.file_tasks("mine.py@two")] == ["two"]
    code, out, err = run(capsys, "--model", "o/m", "--task", "mine.py@tow")
    assert code == 2 and out == "" and "two" in err
    for text, said in (("absent.py@x", "No such file"), ("inspect_evals", "no task")):
        code, out, err = run(capsys, "--model", "o/m", "--task", text)
        assert code == 2 and said in err
    (tmp_path / "broken.py").write_text("def (:\n")
    assert "broken.py:1" in run(capsys, "--model", "o/m", "--task", "broken.py@x")[2]


def test_list_tasks(packages, capsys):
    code, out, _ = run(capsys, "--list-tasks", "mmlu")
    assert code == 0 and out.splitlines() == ["inspect_evals/mmlu_0_shot  (mmlu)", "inspect_evals/mmlu_5_shot"]
    rows = json.loads(run(capsys, "--list-tasks", "--json")[1])["tasks"]
    assert {"task": "inspect_evals/gsm8k", "keys": ["gsm8k"]} in rows and len(rows) == 5
    code, out, err = run(capsys, "--list-tasks", "gsmk")
    assert code == 2 and out == "" and "gsm8k" in err


# --- plans and refusals ---


def test_a_plan_counts_without_loading_anything(packages, capsys):
    found = plan(capsys, "--task", "gsm8k", "mbpp", "--limit", "20", "--provider", "nscale")
    rows = {row["task"].split("/")[1]: (row["items"], row["repeats"], row["requests"]) for row in found["tasks"]}
    assert rows == {"gsm8k": (20, 1, 20), "mbpp": (20, None, None)}  # how often mbpp asks is said when it is loaded
    assert found["versions"] == {"inspect-ai": "0.3.285", "inspect-evals": "0.26.0"}
    again = plan(capsys, "--task", "mbpp", "--repeats", "3", "--max-samples", "7")
    assert again["tasks"][0]["requests"] == 21


def test_code_needs_a_sandbox_by_name(packages, capsys):
    code, out, err = run(capsys, "--model", "o/m", "--task", "humaneval")
    assert code == 2 and out == "" and "--sandbox docker" in err and "--sandbox local" in err
    code, _, err = run(capsys, "--model", "o/m", "--task", "humaneval", "--sandbox", "local", "--dry-run")
    assert code == 0 and "your files and tokens" in err
    assert (
        "your files" not in run(capsys, "--model", "o/m", "--task", "humaneval", "--sandbox", "docker", "--dry-run")[2]
    )


@pytest.mark.parametrize("name", ["gdm_self_reasoning_max_tokens", "livebench"])
def test_what_runs_outside_of_the_sandbox_is_asked_for(packages, capsys, name):
    with (packages / "inspect_evals/_registry.py").open("a") as file:
        file.write(f"from inspect_evals.gdm_self_reasoning import {name}\n")
    for sandbox, expected in (([], 2), (["--sandbox", "docker"], 2), (["--sandbox", "local"], 0)):
        code, _, err = run(capsys, "--model", "o/m", "--task", name, *sandbox, "--dry-run")
        assert code == expected and ("outside of the sandbox, on this machine" in err) == bool(expected)


@pytest.mark.parametrize(
    "words",
    [
        ["--backend", "vllm"],
        ["--batch-size", "4"],
        ["--dtype", "float32"],
        ["--device", "cpu"],
        ["--tensor-parallel-size", "2"],
        ["--gpu-memory-utilization", "0.5"],
        ["--max-model-len", "100"],
        ["--use-chat-template"],
        ["--trust-remote-code"],
        ["--custom-tasks", "x.py"],
        ["--limit", "0"],
        ["--repeats", "-1"],
        ["--max-tokens", "0"],
        ["--temperature", "3"],
        ["--provider", "a b"],
        ["--base-url", "http://example.com/v1"],
        ["--base-url", "https://huggingface.co.example.com/v1"],
        ["--base-url", "http://huggingface.co/v1"],
        ["--base-url", "file:///etc/passwd"],
        ["--base-url", "https://evil.example\\.endpoints.huggingface.cloud/v1"],
        ["--base-url", "https://evil.example%2f.huggingface.co/v1"],
    ],
)
def test_a_flag_that_cannot_work_is_refused_with_its_reason(packages, capsys, words):
    code, out, err = run(capsys, "--model", "o/m", "--task", "gsm8k", *words)
    assert code == 2 and out == "" and words[0] in err and len(err.splitlines()) == 1


@pytest.mark.parametrize("url", ["https://abc.endpoints.huggingface.cloud/v1/", "http://127.0.0.1:8000/v1", None])
def test_addresses_that_may_see_the_token(url):
    assert script.checked_base_url(url) == (url or script.ROUTER).rstrip("/")


@pytest.mark.parametrize("words", [["--task", "gsm8k"], ["--model", "o/m"], ["--model", "m", "--task", "gsm8k"]])
def test_what_is_missing_is_said(packages, capsys, words):
    code, out, err = run(capsys, *words)
    assert code == 2 and out == "" and err.startswith("error: ")


def test_without_a_token_nothing_is_asked(packages, capsys):
    code, out, err = run(capsys, "--model", "o/m", "--task", "gsm8k")
    assert code == 2 and out == "" and "HF_TOKEN" in err


def test_the_command_in_a_record_has_no_secret_and_no_path(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_TOKEN", "hf_" + "abcdefgh12345678")
    words = ["--model", "o/m", "--task", f"{tmp_path}/a/tasks.py@x", "--system-prompt", "key hf_" + "abcdefgh12345678"]
    text = script.command_line(script.build_parser().parse_args([*words, "--json"]), "inspect_eval_uv.py")
    assert text.startswith("uv run scripts/inspect_eval_uv.py --model o/m --task ") and "tasks.py@x" in text
    assert str(tmp_path) not in text and "abcdefgh" not in text and "--json" not in text


# --- thinking ---


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("<think>a</think>b", ("a", "b")),
        ("a\n</think>\n\nb", ("a", "b")),
        ("<think>a", ("a", "")),
        ("b", (None, "b")),
        ("", (None, "")),
        ("<think></think>b", ("", "b")),
        ("x <think>a</think> <think>b</think> c", ("a\nb", "x   c")),
    ],
)
def test_thinking_is_parted_from_the_answer(text, parts):
    assert script.split_reasoning(text, ("<think>", "</think>")) == parts


@given(st.text(max_size=60))
def test_text_without_tags_is_left_alone(text):
    if "<t>" not in text and "</t>" not in text:
        assert script.split_reasoning(text, ("<t>", "</t>")) == (None, text)


@given(st.text(alphabet="ab <>/t", max_size=40))
def test_no_closing_tag_is_left_in_an_answer_that_had_one(text):
    thought, answer = script.split_reasoning(f"{text}</t>end", ("<t>", "</t>"))
    assert thought is not None and answer.endswith("end")


# --- prices ---


def test_a_price_is_known_when_it_is_clear_who_answered():
    cheap, dear = script.Prices(1, 2), script.Prices(3, 4)
    offer = script.Offer({"a": cheap, "b": dear, "c": cheap, "d": None})
    assert script.prices_of(offer, ["a"]) == cheap and script.prices_of(offer, ["a", "c"]) == cheap
    assert script.prices_of(offer, ["a", "b"]) is None and script.prices_of(offer, ["d"]) is None
    assert script.prices_of(offer, []) is None and script.prices_of(None, ["a"]) is None
    assert script.prices_of(offer, ["unknown"]) is None


@pytest.mark.parametrize("pricing", [None, {}, {"input": "1", "output": 2}, {"input": 1}, {"input": -1, "output": 2}])
def test_a_price_that_is_no_price_is_unknown(pricing):
    assert script.read_prices({"provider": "a", "pricing": pricing}) is None


# --- inspect's logs ---


def sample(name, value, epoch=1, text="text", answer="a", stop="stop", **more) -> dict:
    user, said = {"role": "user", "content": f"q {name}"}, {"role": "assistant", "content": text, "source": "generate"}
    row = {"id": name, "epoch": epoch, "input": f"q {name}", "target": "t", "messages": [user, said]}
    row["output"] = {"choices": [{"message": said, "stop_reason": stop}]}
    row["scores"] = {"match": {"value": value, "answer": answer}}
    row["model_usage"] = {"m": {"input_tokens": 5, "output_tokens": 2, "total_tokens": 7}}
    return row | more


def make_log(samples, scores=None, **spec) -> dict:
    accuracy = {"accuracy": {"name": "accuracy", "value": 0.0}, "stderr": {"name": "stderr", "value": 0.1}}
    about = {"task": "t", "task_version": 0, "dataset": {"samples": len(samples)}, "config": {"epochs": 1}}
    return {
        "status": "success",
        "eval": {**about, "packages": {"inspect_ai": "0.3.285"}, **spec},
        "plan": {"steps": [{"solver": "generate"}], "config": {"temperature": 0.0, "max_tokens": 8}},
        "results": {"scores": scores or [{"name": "match", "scorer": "match", "metrics": accuracy}]},
        "stats": {"model_usage": {"m": {"input_tokens": 50, "output_tokens": 20, "total_tokens": 70}}},
        "samples": samples,
    }


def with_value(log: dict, value: float) -> dict:
    log["results"]["scores"][0]["metrics"]["accuracy"]["value"] = value
    return log


def facts(**more) -> script.RunFacts:
    given = {"script": "s.py", "task": "t", "title": "t", "split": "test", "model": MODEL, "source": SOURCE}
    return script.RunFacts(**{**given, "library": {"command": "c"}, "generation": {"backend": "b"}, **more})


def convert(log: dict, **more) -> tuple[dict, list[dict]]:
    record, text = script.inspect_record(log, facts(**more), 1_700_000_000)
    return record, [json.loads(line) for line in text.splitlines()]


def test_a_log_becomes_a_record():
    log = with_value(make_log([sample("a", "C"), sample("b", "I", text="", answer=""), sample("c", "P")]), 0.5)
    record, rows = convert(log, prices=script.Prices(2, 10))
    (result,) = record["evaluation_results"]
    assert result["evaluation_result_id"] == "t/accuracy"
    assert result["score_details"]["score"] == 0.5
    error = result["score_details"]["uncertainty"]["standard_error"]
    assert error == {"value": pytest.approx(0.5 / math.sqrt(3)), "method": "analytic"}
    assert result["score_details"]["details"]["empty"] == result["score_details"]["details"]["unparsed"] == "1"
    assert [row["evaluation"] for row in rows] == [
        {"score": 1.0, "is_correct": True},
        {"score": 0.0, "is_correct": False},
        {"score": 0.5, "is_correct": False},
    ]
    details = record["eval_library"]["additional_details"]
    assert float(details["cost_usd"]) == pytest.approx((50 * 2 + 20 * 10) / 1e6)
    assert record["eval_library"]["version"] == "0.3.285"
    assert rows[0]["token_usage"]["total_tokens"] == 7


def test_a_failed_item_does_not_enter_the_mean():
    bad = sample("b", "I", error={"message": "ValueError('no')"}, scores=None)
    record, rows = convert(with_value(make_log([sample("a", "C"), bad]), 1.0))
    details = record["evaluation_results"][0]["score_details"]
    assert details["score"] == 1.0 and details["uncertainty"] == {"num_samples": 1}
    found = {name: details["details"][name] for name in ("attempts", "scored", "wrong", "errored", "no_value")}
    assert found == {"attempts": "2", "scored": "1", "wrong": "0", "errored": "1", "no_value": "0"}
    assert rows[1]["error"] == "ValueError: no" and rows[1]["evaluation"] == {"score": 0.0, "is_correct": False}


def test_repeats_are_joined_item_by_item():
    runs = [sample("a", "C", 1, "x"), sample("a", "I", 2, "y"), sample("b", "C", 1), sample("b", "C", 2)]
    record, rows = convert(with_value(make_log(runs, config={"epochs": 2}), 0.75))
    details = record["evaluation_results"][0]["score_details"]
    assert details["score"] == 0.75 and details["uncertainty"]["num_samples"] == 2
    assert [(row["sample_id"], row["output"]["raw"], row["evaluation"]["score"]) for row in rows] == [
        ("a", ["x", "y"], 0.5),
        ("b", ["text", "text"], 1.0),
    ]


def test_another_way_of_joining_repeats_has_its_own_name():
    runs = [sample("a", "C", 1), sample("a", "I", 2)]
    scores = [
        {
            "name": "match",
            "scorer": "match",
            "reducer": "mean",
            "metrics": {"accuracy": {"name": "accuracy", "value": 0.5}},
        },
        {
            "name": "match",
            "scorer": "match",
            "reducer": "pass_at_2",
            "metrics": {"accuracy": {"name": "accuracy", "value": 1}},
        },
    ]
    log = make_log(runs, scores, config={"epochs": 2, "epochs_reducer": ["mean", "pass_at_2"]})
    log["reductions"] = [{"scorer": "match", "reducer": "pass_at_2", "samples": [{"sample_id": "a", "value": 1.0}]}]
    record, rows = convert(log)
    settings = record["evaluation_results"][0]["generation_config"]["additional_details"]
    assert settings["epochs_reducer"] == '["mean", "pass_at_2"]'
    found = {r["metric_config"]["metric_id"]: r["score_details"]["score"] for r in record["evaluation_results"]}
    assert found == {"accuracy": 0.5, "pass_at_2": 1.0}
    assert len(rows) == 2


def test_a_metric_that_is_no_mean_is_kept_as_it_is():
    metrics = {"f": {"name": "corpus_thing", "value": 0.123}, "std": {"name": "std", "value": 1}}
    log = make_log([sample("a", 1), sample("b", 0)], [{"name": "match", "scorer": "match", "metrics": metrics}])
    record, rows = convert(log)
    (result,) = record["evaluation_results"]
    assert result["score_details"]["score"] == 0.123 and rows == []
    assert "standard_error" not in result["score_details"]["uncertainty"]
    assert result["metric_config"]["additional_details"]["aggregation"] == "corpus_thing"


def test_groups_are_subtasks_and_the_whole_goes_by_its_metric():
    params = {"group_key": "topic", "metric": {"name": "inspect_ai/accuracy"}}
    metrics = {
        name: {"name": name, "group": "grouped", "value": value, "params": params}
        for name, value in (("sea", 1.0), ("land", 0.0), ("all", 2 / 3))
    }
    topics = [("a", "C", "sea"), ("b", "C", "sea"), ("c", "I", "land")]
    log = make_log(
        [sample(name, value, metadata={"topic": topic}) for name, value, topic in topics],
        [{"name": "match", "scorer": "match", "metrics": metrics}],
    )
    record, rows = convert(log)
    found = {
        r["evaluation_result_id"]: r["score_details"]["uncertainty"]["num_samples"]
        for r in record["evaluation_results"]
    }
    assert found == {"t:sea/accuracy": 2, "t:land/accuracy": 1, "t/accuracy": 3}
    assert {row["evaluation_result_id"] for row in rows} == {"t/accuracy"}


def test_a_mean_goes_by_its_scorer():
    scores = [
        {"name": name, "scorer": name, "metrics": {"mean": {"name": "mean", "value": value}}}
        for name, value in (("f1", 0.5), ("exact", 0.0))
    ]
    both = sample("a", 0, scores={"f1": {"value": 0.5, "answer": "x"}, "exact": {"value": 0, "answer": "x"}})
    record, _ = convert(make_log([both], scores))
    assert {r["metric_config"]["metric_id"] for r in record["evaluation_results"]} == {"f1", "exact_match"}


@pytest.mark.parametrize("status", ["error", "cancelled", "started"])
def test_a_log_that_is_no_success_gives_no_score(status):
    log = make_log([sample("a", "C")]) | {"status": status, "error": {"message": "RuntimeError('out of luck')"}}
    with pytest.raises(script.ScriptError, match="out of luck" if status == "error" else status):
        convert(log)


def test_a_log_without_any_scored_item_gives_no_score():
    bad = sample("a", math.nan, scores={"match": {"value": math.nan}})
    with pytest.raises(script.ScriptError, match="no item could be scored"):
        convert(with_value(make_log([bad]), math.nan))


def test_names_of_items():
    ids = lambda *names: list(script.item_names(make_log([sample(name, "C") for name in names]), "test").values())  # noqa: E731
    assert ids("x-1", "x-2") == ["x-1", "x-2"]
    assert ids(1, 2, 3) == ["test/0", "test/1", "test/2"]  # counted by inspect
    assert ids(1001, 7, 3) == ["1001", "7", "3"]  # the data set's own
    assert list(script.item_names(make_log([sample(1, "C")]), None).values()) == ["sample/0"]


def test_prompts_as_sent():
    user = {"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "image", "image": "x"}]}
    shot = {"role": "assistant", "content": "earlier", "source": "input"}
    own = {"role": "assistant", "content": "mine", "source": "generate"}
    asked = script.asked_messages([user, shot, user, own, user, own])
    assert asked == [user, shot, user]
    assert script.prompt_text([user], None) == "hi\n[image]"
    assert script.prompt_text([shot, user], "be kind") == "system: be kind\n\nassistant: earlier\n\nuser: hi\n[image]"


def test_long_texts_are_put_back():
    log = make_log([sample("a", "C", text="attachment://77", attachments={"77": "the long text"})])
    _, rows = convert(with_value(log, 1.0))
    assert rows[0]["output"]["raw"] == ["the long text"]


def test_conversations_and_tools():
    turns = [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": "", "source": "generate",
         "tool_calls": [{"id": "1", "function": "bash", "arguments": {"cmd": "ls", "n": 3}}]},
        {"role": "tool", "content": "files", "tool_call_id": "1"},
        {"role": "assistant", "content": [{"type": "reasoning", "reasoning": "hm"}, {"type": "text", "text": "done"}],
         "source": "generate"},
    ]  # fmt: skip
    _, rows = convert(with_value(make_log([sample("a", "C", messages=turns)]), 1.0))
    assert rows[0]["interaction_type"] == "agentic" and rows[0]["output"] is None
    assert rows[0]["messages"][1]["tool_calls"] == [{"id": "1", "name": "bash", "arguments": {"cmd": "ls", "n": "3"}}]
    assert rows[0]["messages"][3]["reasoning_trace"] == "hm" and rows[0]["messages"][3]["content"] == "done"
    assert rows[0]["input"]["raw"] == "q a" and rows[0]["input"]["formatted"] == "go"


@pytest.mark.parametrize(
    ("spec", "shots"),
    [
        ({"task_args": {"fewshot": 10}}, 10),
        ({"task": "inspect_evals/mmlu_5_shot"}, 5),
        ({"metadata": {"few_shot": 0}}, 0),
        ({"task_args": {"fewshot": True}}, None),
        ({}, None),
    ],
)
def test_shots_are_said_where_the_task_says_them(spec, shots):
    assert script.log_shots(make_log([], **spec)) == shots


@pytest.mark.parametrize(
    ("value", "number"),
    [
        *[("C", 1), ("I", 0), ("P", 0.5), ("N", 0), (True, 1), (0.25, 0.25), ("0.5", 0.5), ("yes", 1), ("No", 0)],
        *[(math.nan, None), ("maybe", None), (None, None), ([1], None), ({"a": 1}, None), ("inf", None)],
    ],
)
def test_values_of_scores(value, number):
    assert script.score_number(value) == number


@given(st.lists(st.sampled_from(["C", "I", "P", "N"]), min_size=1, max_size=30))
def test_the_score_is_the_mean_of_its_rows(values):
    numbers = [{"C": 1.0, "P": 0.5}.get(value, 0.0) for value in values]
    log = make_log([sample(f"s{i}", value) for i, value in enumerate(values)])
    record, rows = convert(with_value(log, sum(numbers) / len(numbers)))
    score = record["evaluation_results"][0]["score_details"]["score"]
    assert score == pytest.approx(sum(row["evaluation"]["score"] for row in rows) / len(rows))
    assert {row["sample_id"] for row in rows} == {f"s{i}" for i in range(len(values))}


@pytest.mark.parametrize(
    "message", ['ModelGenerateError(\'\\nRequest:\\n{\\n "a": 1\\n}\\n\\nBadRequestError("no")\')', "plain"]
)
def test_errors_are_one_line_without_the_request(message):
    line = script.error_line(message)
    assert line == ("plain" if message == "plain" else "BadRequestError: no")


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        ("AuthenticationError: Error code: 401 - x", "set HF_TOKEN"),
        ("APIStatusError: Error code: 402 - x", "credits"),
        ("NotFoundError: Error code: 404 - model_not_supported", "--provider"),
        ("RateLimitError: Error code: 429", "--max-connections"),
        ("APIConnectionError: Connection error.", "out of reach"),
    ],
)
def test_a_providers_error_comes_with_what_to_try(packages, error, hint):
    args = script.build_parser().parse_args(["--model", "o/m", "--task", "gsm8k"])
    assert hint in script.explain_provider(error, script.provider_settings(args))


# --- what is finished ---


def test_what_is_finished_is_known_by_its_settings(packages, tmp_path):
    def settings(*words: str) -> script.Settings:
        return script.provider_settings(script.build_parser().parse_args(["--model", "o/m", *words]))

    model = script.Model("o/m", "", revision="abc")
    task = named("gsm8k", "inspect_evals/gsm8k", "inspect_evals.gsm8k")
    now = settings("--limit", "5")
    about = script.provider_facts(model, task, now, {"nscale"}, None)
    record, samples = script.inspect_record(with_value(make_log([sample("a", "C")]), 1.0), about, 1_700_000_000)
    written = script.write_record(tmp_path / "out", model, task, record, samples)
    known = script.InspectHistory(tmp_path / "out", [model])
    assert known.finished(model, now, task.request, None).path == written.path
    assert known.finished(model, settings("--limit", "5", "--max-connections", "3"), task.request, None)
    assert known.finished(model, settings("--limit", "6"), task.request, None) is None
    assert known.finished(model, settings("--limit", "5", "--provider", "x"), task.request, None) is None
    other = script.Model("o/m", "", revision="def")
    assert known.finished(other, now, task.request, None) is None
    assert known.finished(other, now, task.request, None, strict=False)
    own = script.RequestedTask("t.py@x", "inspect_evals/gsm8k", file=Path("t.py"))
    assert known.finished(model, now, own, None) is None  # of a file: only when its items are the same
    written.path.with_name(f"{written.path.stem}_samples.jsonl").unlink()
    assert script.InspectHistory(tmp_path / "out", [model]).finished(model, now, task.request, None) is None


def test_a_failure_is_forgotten_when_the_task_is_measured(packages, tmp_path):
    settings = script.provider_settings(script.build_parser().parse_args(["--model", "o/m"]))
    model, task = script.Model("o/m", ""), named("x", "x")
    failed = script.write_failure(tmp_path, model, task, settings, "no luck", [])
    history = script.InspectHistory(tmp_path, [model])
    history.forget_failure(model, settings, "y")
    assert failed.path.exists()
    history.forget_failure(model, settings, "x")
    assert not failed.path.exists()


# --- real logs of others ---


def test_a_real_log(tmp_path):
    path = SHARED / "result_files/inspect/arc_qwen.json"
    if not path.is_file():
        pytest.skip("no logs of others beside this project")
    record, rows = convert(json.loads(path.read_text()), title="inspect_evals/arc_easy")
    (result,) = record["evaluation_results"]
    assert result["score_details"]["score"] == pytest.approx(1 / 3)
    assert result["score_details"]["uncertainty"]["standard_error"]["value"] == pytest.approx(1 / 3)
    assert [row["evaluation"]["score"] for row in rows] == [1.0, 0.0, 0.0]
    assert [row["sample_id"] for row in rows] == ["test/0", "test/1", "test/2"]
    assert rows[0]["answer_attribution"][0]["extracted_value"] == "A"
    assert "ANSWER: $LETTER" in rows[0]["input"]["formatted"]
    model, task = script.Model("o/m", ""), named("x", "inspect_evals/arc_easy")
    text = "".join(json.dumps(row) + "\n" for row in rows)
    script.write_record(tmp_path, model, task, record, text)
    check = subprocess.run(
        [sys.executable, str(SHARED / "check_records.py"), str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert check.returncode == 0, check.stdout + check.stderr
