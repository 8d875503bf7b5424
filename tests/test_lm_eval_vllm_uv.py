"""lm_eval_vllm_uv.py without lm-eval: names read from YAML text, answers, scores, records, resume, refusals."""

import json
import math
import statistics
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import lm_eval_vllm_uv as script
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator
from lm_eval_vllm_uv import (
    CatalogEntry,
    Dataset,
    Engine,
    History,
    Model,
    Reply,
    ScriptError,
    Settings,
    Task,
    TaskDoc,
    TaskRequest,
    main,
    parse_lm_eval_task,
)

SCHEMAS = Path(__file__).resolve().parents[2] / "shared" / "every_eval_ever"
TAGS = ("<think>", "</think>")


def settings(**changes) -> Settings:
    words = ["--model", "m", "--tasks", "t"]
    args = script.build_parser().parse_args(words)
    values = {name: getattr(args, name) for name in Settings.__dataclass_fields__ if hasattr(args, name)}
    values |= {"custom_tasks_sha256": None, "tensor_parallel_size": 1, "command": "uv run scripts/lm_eval_vllm_uv.py"}
    values |= {"versions": {"lm-eval": "0.4.13", "transformers": "5.0.0", "torch": "2.9.0"}}
    return Settings(**{**values, **changes})


def checkpoint(folder: Path, weights: bytes = b"weights") -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(weights)
    (folder / "tokenizer.json").write_text("{}")
    return folder


@pytest.fixture
def library(tmp_path, monkeypatch) -> Path:
    """A folder of YAML files in place of lm-eval's own tasks."""
    folder = tmp_path / "library"
    files = {
        "gsm8k/gsm8k.yaml": "task: gsm8k\ntag:\n  - math_word_problems\ndataset_path: gsm8k\n",
        "gsm8k/gsm8k-cot.yaml": 'include: gsm8k.yaml\n"task": "gsm8k_cot"  # with examples\n',
        "mmlu/_template_yaml": "tag: mmlu_tasks\ndataset_path: mmlu\n",
        "mmlu/anatomy.yaml": "task: mmlu_anatomy\ninclude: _template_yaml\n",
        "mmlu/law.yaml": "task: mmlu_law\ninclude: _template_yaml\ntag: [law, mmlu_tasks]\n",
        "mmlu/mmlu.yaml": "group: mmlu\ntask:\n  - mmlu_other\n  - mmlu_law\naggregate_metric_list:\n  - metric: acc\n",
        "mmlu/other.yaml": "group: mmlu_other\ntask: [mmlu_anatomy]\n",
        "code/humaneval.yaml": "task: humaneval\nunsafe_code: true\n",
        "code/instruct.yaml": "task: humaneval_instruct\ninclude: humaneval.yaml\n",
        "truth/mc1.yaml": "task: truthfulqa_mc1\ntag: truthfulqa\n",
        "truth/mc2.yaml": "task: truthfulqa_mc2\ntag: truthfulqa\n",
        "aime/aime24.yaml": "task: aime24\n",
        "z/again.yaml": "task: gsm8k\n",
        "z/loop.yaml": "task: loop\ninclude: loop.yaml\n",
        "z/broken.yaml": "task: [\n",
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(script, "tasks_folder", lambda: folder)
    return folder


# --- names ---


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("gsm8k", "gsm8k"), (" gsm8k | 5 ", "gsm8k|5"), ("mmlu_*|0", "mmlu_*|0"), ("wmt14-en-fr", "wmt14-en-fr")],
)
def test_task_strings(text, wanted):
    assert str(parse_lm_eval_task(text)) == wanted


@pytest.mark.parametrize("text", ["|5", "gsm8k|five", "lighteval|gsm8k|5", "gsm8k|5|0", "gsm8k|99999"])
def test_what_is_no_task_string(text):
    with pytest.raises(ScriptError, match="no task of lm-eval"):
        parse_lm_eval_task(text)


def test_tasks_keep_their_order_and_come_once():
    assert [str(row) for row in script.task_list(["b, a|5 ,b", "a"], parse_lm_eval_task)] == ["b", "a|5", "a"]
    with pytest.raises(ScriptError, match="--tasks is empty"):
        script.task_list([" , "], parse_lm_eval_task)


def test_names_are_read_from_the_text_of_yaml_files(library):
    catalog = script.read_catalog(script.yaml_files(library))
    kinds = {name: entry.kind for name, entry in catalog.items()}
    assert kinds["mmlu"] == kinds["mmlu_other"] == "group"
    assert kinds["mmlu_tasks"] == kinds["truthfulqa"] == "tag"
    assert kinds["gsm8k_cot"] == kinds["loop"] == "task"
    assert set(catalog["mmlu_tasks"].members) == {"mmlu_anatomy", "mmlu_law"}
    assert set(catalog["math_word_problems"].members) == {"gsm8k", "gsm8k_cot"}
    assert catalog["gsm8k"].files == (library / "gsm8k" / "gsm8k.yaml",), "the first of two definitions counts"
    assert [name for name, entry in catalog.items() if entry.runs_code] == ["humaneval", "humaneval_instruct"]


def test_a_group_knows_what_is_below_it(library):
    catalog = script.with_members(script.read_catalog(script.yaml_files(library)), ["mmlu"])
    assert script.members_below("mmlu", catalog) == {"mmlu", "mmlu_other", "mmlu_law", "mmlu_anatomy"}


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("gsm8k", ["gsm8k"]),
        ("mmlu", ["mmlu"]),
        ("aime_2024", ["aime24"]),
        ("truthfulqa", ["truthfulqa_mc2"]),
        ("mmlu_tasks", ["mmlu_tasks"]),
        ("mmlu_*", ["mmlu_anatomy", "mmlu_law"]),
    ],
)
def test_names_as_users_know_them(library, name, found):
    catalog = script.read_catalog(script.yaml_files(library))
    rows = script.resolve_name(TaskRequest(name, 3), catalog)
    assert [(row.name, row.shots) for row in rows] == [(name, 3) for name in found]


def test_an_unknown_name_is_refused_with_the_nearest_ones(library):
    with pytest.raises(ScriptError, match=r"no task 'gsmk8' .* did you mean gsm8k"):
        script.choose_tasks([TaskRequest("gsmk8", None)], None, None)
    with pytest.raises(ScriptError, match="see --list-tasks"):
        script.resolve_name(TaskRequest("~~~~", None), {})


def test_chosen_tasks_come_with_the_folders_that_define_them(library, tmp_path, capsys):
    own = tmp_path / "own"
    own.mkdir()
    (own / "mine.yaml").write_text("group: mine\ntask:\n  - gsm8k\n  - quiz\n")
    (own / "quiz.yaml").write_text("task: quiz\n")
    wanted = [TaskRequest("mine", 5), TaskRequest("aime_2024", None), TaskRequest("all", 0)]
    mine, aime, everything = script.choose_tasks(wanted, own, None)
    assert mine.folders == (library / "gsm8k", own), "the user's own definitions come last: they count"
    assert aime.names == ("aime24",)
    assert "note: aime_2024 is aime24 in lm-eval" in capsys.readouterr().err
    assert everything.names == ("quiz",)


def test_lm_evals_own_files_are_not_read_for_tasks_of_ones_own(library, tmp_path, monkeypatch):
    (tmp_path / "quiz.yaml").write_text("task: quiz\n")
    monkeypatch.setattr(script, "yaml_files", lambda folder: pytest.fail(f"{folder} was read"))
    assert script.choose_tasks([TaskRequest("quiz", None)], tmp_path / "quiz.yaml", None)[0].names == ("quiz",)


def test_code_of_a_model_is_run_only_when_asked_for(library, monkeypatch):
    monkeypatch.delenv("HF_ALLOW_CODE_EVAL", raising=False)
    with pytest.raises(ScriptError, match="--sandbox local runs it on this machine with your rights"):
        script.choose_tasks([TaskRequest("humaneval_instruct", None)], None, None)
    assert script.os.environ.get("HF_ALLOW_CODE_EVAL") is None
    script.choose_tasks([TaskRequest("humaneval_instruct", None)], None, "local")
    assert script.os.environ["HF_ALLOW_CODE_EVAL"] == "1"


METRIC = "import evaluate\ndef judged(x):\n    return evaluate.load({!r})\ndef plain(x):\n    return x\n"


@pytest.mark.parametrize(
    ("yaml", "metric", "refused"),
    [
        ("process_results: !function utils.judged", "rouge", (True, True)),
        ("process_results: !function 'utils.judged'", "code_eval", (True, False)),
        ("include: _base\nprocess_results: !function utils.plain", "rouge", (False, False)),
        ("include: _judged", "rouge", (True, True)),
        ("metric_list:\n  - metric: f1\n    hf_evaluate: true", "rouge", (True, True)),
        ("metric_list:\n  - metric: f1\n    hf_evaluate: false", "rouge", (False, False)),
        ("class: !function utils.judged", "rouge", (True, True)),
    ],
)
def test_a_program_of_the_hub_is_refused_before_it_is_loaded(library, tmp_path, monkeypatch, yaml, metric, refused):
    """By default, and with --sandbox local, which allows what runs a model's programs."""
    folder = library / "judged"
    folder.mkdir()
    (folder / "judged.yaml").write_text(f"task: judged\n{yaml}\n")
    (folder / "_base").write_text("tag: some\n")
    (folder / "_judged").write_text("aggregation: !function utils.judged\n")
    (folder / "utils.py").write_text(METRIC.format(metric))
    monkeypatch.setattr(script, "inside_lm_eval", lambda path: path.is_relative_to(library))
    for sandbox, no in zip((None, "local"), refused, strict=True):
        if no:
            with pytest.raises(ScriptError, match=r"judged runs a program of the Hub .* --trust-remote-code lets it"):
                script.choose_tasks([TaskRequest("judged", None)], None, sandbox)
        else:
            script.choose_tasks([TaskRequest("judged", None)], None, sandbox)
    script.choose_tasks([TaskRequest("judged", None)], None, None, trusted=True)


def test_all_needs_a_folder_of_tasks(tmp_path):
    with pytest.raises(ScriptError, match="--tasks all means"):
        script.choose_tasks([TaskRequest("all", None)], None, None)
    with pytest.raises(ScriptError, match=r"no \.yaml file"):
        script.choose_tasks([TaskRequest("all", None)], tmp_path, None)


def test_names_are_listed(library, capsys):
    assert main(["--list-tasks", "gsm8k"]) == 0
    assert capsys.readouterr().out.split() == ["gsm8k", "gsm8k_cot", "gsm8k_platinum"]
    assert main(["--list-tasks", "mmlu_l", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["tasks"] == ["mmlu_law"]
    assert main(["--list-tasks", "m", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["tasks"]
    groups = [name for name in rows if name in ("mmlu", "mmlu_other", "mmlu_tasks", "math_word_problems")]
    assert len(groups) == 4
    assert max(map(rows.index, groups)) < rows.index("mmlu_anatomy"), "groups and tags first"
    for number in range(60):
        (library / "mmlu" / f"sub{number}.yaml").write_text(f"task: mmlu_sub{number}\n")
    assert main(["--list-tasks", "mmlu"]) == 0
    out, err = capsys.readouterr()
    assert out.split()[0] == "mmlu"
    assert "tasks more: a longer pattern, or --json for all" in err
    assert main(["--list-tasks", "no such task at all"]) == 2
    assert capsys.readouterr().out == ""


def test_the_example_has_a_task_for_each_skill():
    folder = Path(__file__).resolve().parents[1] / "examples" / "tiny_run"
    catalog = script.read_catalog(script.yaml_files(folder / "lm_eval_tasks"))
    assert set(catalog) == {path.name for path in (folder / "data").iterdir()}
    assert len(catalog) == 15


# --- answers ---


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("<think>a</think>b", "b"),
        ("a</think>b", "b"),
        ("<think>a", ""),
        ("x<think>a</think>y<think>b</think>z", "xyz"),
        ("<think>a<think>b</think>c", "c"),
        ("nothing", "nothing"),
    ],
)
def test_thinking_is_taken_out(text, answer):
    assert script.split_reasoning(text, TAGS)[1] == answer


@given(st.lists(st.sampled_from(["<think>", "</think>", "a", "\n", " b"]), max_size=12).map("".join))
def test_no_tag_is_left_in_an_answer(text):
    answer = script.finished_answer(text, [], TAGS)
    assert "<think>" not in answer
    assert "</think>" not in answer
    if "think>" not in text:
        assert answer == text


def test_stop_sequences_are_for_the_answer_behind_the_thinking():
    text = "<think>first\n\nsecond</think>\n42\n\nQuestion"
    assert script.finished_answer(text, ["\n\n", ""], TAGS) == "42"
    assert script.finished_answer("4\n\n2", ["\n\n"], TAGS) == "4"


def test_the_choice_that_a_metric_takes():
    chances, choices = [-4.0, -5.0, -5.0], ["ab", "abcdefgh", "äöüä"]
    assert script.chosen("acc", chances, choices) == 0
    assert script.chosen("acc_norm", chances, choices) == 1
    assert script.chosen("acc_bytes", [-4.0, -9.0, -7.0], choices) == 2


# --- scores ---


def brier(values):
    return sum(sum((p - (place == gold)) ** 2 for place, p in enumerate(row)) for gold, row in values) / len(values)


def test_the_value_of_a_single_item():
    assert script.item_value(True, statistics.fmean) == 1.0
    assert script.item_value((1, 1), brier) == 1.0, "a pair of classes: right or wrong"
    assert script.item_value((0, [1.0, 0.0]), brier) == 0.0
    assert math.isnan(script.item_value(("no", "number"), brier))


def test_ids_of_metrics():
    names = {"acc": "accuracy", "exact_match": "exact_match", "pass@1": "pass_at_1", "mcc": "matthews_correlation"}
    assert {name: script.shared_metric_id(name) for name in names} == names


class Source:
    """A task as lm-eval makes them, as far as scoring looks at it: two filters, one metric."""

    OUTPUT_TYPE = "generate_until"
    VERSION = 1.0
    config = SimpleNamespace(fewshot_split=None, training_split="train", validation_split=None)

    def __init__(self, requests):
        self.requests = requests

    def dump_config(self):
        strict = {"function": "regex", "regex_pattern": "^(\\d+)$"}
        return {
            "metric_list": [{"metric": "exact_match", "aggregation": "mean", "ignore_case": True}],
            "filter_list": [{"name": "strict-match", "filter": [strict]}, {"name": "flexible-extract", "filter": []}],
            "process_results": self.code,
        }

    code = "def process_results(doc, results):\n    return {}\n"

    def apply_filters(self):
        for request in self.requests:
            text = request.resps[0]
            request.filtered_resps = {
                "strict-match": text if text.isdigit() else "[invalid]",
                "flexible-extract": "".join(letter for letter in text if letter.isdigit()) or "[invalid]",
            }

    def process_results(self, doc, results):
        if doc["answer"] is None:
            raise KeyError("answer")
        return {"exact_match": float(results[0] == doc["answer"])}

    def aggregation(self):
        return {"exact_match": statistics.fmean}

    def higher_is_better(self):
        return {"exact_match": True}


def generative_task(answers, texts, **changes) -> tuple[Task, list[Reply]]:
    """A task with an item per answer, and what a model said to each."""
    asked = {"until": ["\n"], "max_gen_toks": 8, "do_sample": False}
    requests = [
        SimpleNamespace(request_type="generate_until", args=(f"{place} =", asked), resps=[], filtered_resps={})
        for place in range(len(answers))
    ]
    items = [
        TaskDoc(f"test/{place}", {"answer": answer}, f"{place} =", f"{place} =", [], [str(answer)], [request], ["\n"])
        for place, (answer, request) in enumerate(zip(answers, requests, strict=True))
    ]
    dataset = Dataset("sums", None, ("test",), "data", "ab" * 32, "test.jsonl")
    values = {"name": "sums|0", "request": TaskRequest("sums"), "group": 1}
    task = Task(source=Source(requests), dataset=dataset, docs=items, total=len(items), **{**values, **changes})
    return task, [Reply(row if isinstance(row, list) else [row]) for row in texts]


ENGINE = Engine(None, "float32", "cpu", "32", "transformers", "5.0.0")
MODEL = Model("run/step_1", "cd" * 32, Path("run/step_1"), path="run/step_1")


def measured(task, replies, **changes) -> tuple[dict, list[dict]]:
    record, text = script.measure_lm_eval(MODEL, task, replies, ENGINE, settings(**changes), 1_795_000_000)
    return record, [json.loads(line) for line in text.splitlines()]


@pytest.fixture(autouse=True)
def no_torch(monkeypatch):
    monkeypatch.setattr(script, "seed_everything", lambda seed: None)


def test_filters_are_results_of_their_own_and_the_first_has_the_shared_id():
    task, replies = generative_task(["1", "2", "3"], ["1", "x2", "hm"])
    record, rows = measured(task, replies)
    strict, flexible = record["evaluation_results"]
    assert strict["evaluation_result_id"] == "sums|0/exact_match,strict-match"
    assert strict["metric_config"]["metric_id"] == "exact_match"
    assert strict["score_details"]["score"] == pytest.approx(1 / 3)
    assert strict["score_details"]["details"]["unparsed"] == "2"
    assert flexible["metric_config"]["metric_id"] == "exact_match_flexible-extract"
    assert flexible["score_details"]["score"] == pytest.approx(2 / 3)
    row = next(row for row in rows if row["sample_id"] == "test/1" and "flexible" in row["evaluation_result_id"])
    assert row["output"]["raw"] == ["x2"]
    assert row["answer_attribution"][0]["extracted_value"] == "2"
    assert row["evaluation"] == {"score": 1.0, "is_correct": True}


def test_the_scorer_its_filter_and_its_code_are_in_the_record(monkeypatch):
    task, replies = generative_task(["1", "2"], ["1", "2"])
    asked = task.docs[0].requests[0].args[1]
    asked |= {"repetition_penalty": 1.1}
    record, _ = measured(task, replies)
    strict, flexible = (row["metric_config"]["additional_details"] for row in record["evaluation_results"])
    assert strict["scorer"] == flexible["scorer"] == "exact_match"
    assert strict["scorer_settings"] == '{"ignore_case": true}'
    assert "regex_pattern" in strict["filter_settings"]
    assert "filter_settings" not in flexible
    generation = record["evaluation_results"][0]["generation_config"]["additional_details"]
    assert (generation["stop"], generation["repetition_penalty"]) == ('["\\n"]', "1.1")
    monkeypatch.setattr(Source, "code", Source.code.replace("{}", "{'exact_match': 1}"))
    other, _ = measured(task, replies)
    changed = other["evaluation_results"][0]["metric_config"]["additional_details"]
    assert {name for name in strict if strict[name] != changed[name]} == {"scorer_code_sha256"}


def test_empty_and_truncated_answers_are_counted_and_an_item_without_a_score_is_no_zero():
    task, _ = generative_task(["1", "2", None], ["", "", ""])
    replies = [Reply(["1"]), Reply([" "], truncated=True), Reply(["3"], cut_prompt=True)]
    record, rows = measured(task, replies)
    details = record["evaluation_results"][0]["score_details"]
    expected = {"empty": "1", "truncated": "1", "unparsed": "1", "unscored": "1", "truncated_prompts": "1"}
    assert details["details"] == expected | {"attempts": "3", "scored": "2"}
    assert details["uncertainty"]["num_samples"] == 2
    assert details["score"] == 0.5
    assert [row["sample_id"] for row in rows if row.get("error")] == ["test/2", "test/2"]


def test_answers_are_counted_in_attempts_however_often_they_were_asked_or_voted_on():
    counts = ("attempts", "empty", "truncated", "truncated_prompts")

    def told(texts: list[list[str]], cut: list[int], **changes) -> list[int]:
        task, _ = generative_task(["1"] * len(texts), texts)
        replies = [Reply(row, truncated=count, cut_prompt=bool(count)) for row, count in zip(texts, cut, strict=True)]
        details = measured(task, replies, **changes)[0]["evaluation_results"][0]["score_details"]["details"]
        return [int(details[name]) for name in counts]

    # Four times each: one item of five was cut off each time, which is 4 of 20 answers and not 1.
    assert told([["1"] * 4] * 5, [0, 0, 0, 0, 4], repeats=4) == [20, 0, 4, 4]
    # A vote of 64 texts: 20 blank ones and 3 that were cut off, of 320, are no more than one of five answers.
    votes = [["1"] * 60 + [" "] * 4] * 5
    assert told(votes, [3, 0, 0, 0, 0]) == [5, 1, 1, 1]
    assert told([[" "] * 64, *votes[1:]], [64, 64, 0, 0, 0]) == [5, 2, 2, 2]


def test_a_prompt_that_was_cut_counts_once_for_all_choices_of_its_item():
    task, _ = generative_task(["1", "2"], ["", ""])
    for item in task.docs:
        item.requests[:] = [item.requests[0]] * 4
    measured_row = script.MetricValues("acc", "none", [[1.0, 0.0]], [[None, None]], [[None, None]])
    replies = [Reply(["1"], cut_prompt=place < 4) for place in range(8)]
    assert script.count_replies(task, replies, measured_row)["truncated_prompts"] == "1"


def test_a_task_without_any_score_fails():
    task, replies = generative_task([None, None], ["1", "2"])
    with pytest.raises(ScriptError, match="no item could be scored: KeyError"):
        measured(task, replies)


def test_repeats_are_averaged_per_item():
    task, replies = generative_task(["1", "2"], [["1", "0", "1"], ["2", "2", "2"]])
    record, rows = measured(task, replies, repeats=3, temperature=0.7)
    details = record["evaluation_results"][0]["score_details"]
    assert details["score"] == pytest.approx((2 / 3 + 1) / 2)
    assert details["uncertainty"]["num_samples"] == 2
    mine = [row for row in rows if row["evaluation_result_id"].endswith("strict-match")]
    assert [(row["sample_id"], row["metadata"]["repeat"]) for row in mine][:3] == [
        ("test/0", "0"),
        ("test/1", "0"),
        ("test/0", "1"),
    ]
    assert statistics.fmean(row["evaluation"]["score"] for row in mine) == pytest.approx(details["score"])


def test_thinking_is_kept_in_the_record_and_not_scored():
    task, replies = generative_task(["1"], ["<think>2?\n\n</think>1\nmore"])
    _, rows = measured(task, replies, reasoning_tags=TAGS)
    assert rows[0]["output"]["raw"] == ["<think>2?\n\n</think>1\nmore"]
    assert rows[0]["answer_attribution"][0]["extracted_value"] == "1"
    assert rows[0]["evaluation"]["is_correct"]


def test_nan_is_an_error_and_no_number():
    task, _ = generative_task(["1", "2"], ["", ""])
    task.source.OUTPUT_TYPE = "multiple_choice"
    task.source.process_results = lambda doc, results: {"exact_match": 1.0}
    task.source.apply_filters = lambda: [r.filtered_resps.update(none=r.resps[0]) for r in task.source.requests]
    for item in task.docs:
        item.requests[0].request_type = "loglikelihood"
    record, rows = measured(task, [Reply([(math.nan, False)]), Reply([(-1.0, True)])])
    assert record["evaluation_results"][0]["score_details"]["details"]["unscored"] == "1"
    assert [row.get("error") for row in rows] == ["the model's log-probabilities are not numbers", None]


@pytest.mark.skipif(not SCHEMAS.exists(), reason="the schemas are not beside this checkout")
def test_records_and_samples_keep_the_schema():
    task, replies = generative_task(["1", None], ["1", "2"])
    record, rows = measured(task, replies, reasoning_tags=TAGS, system_prompt="Be short.")
    for name, contents in (("eval", [record]), ("instance_level_eval", rows)):
        validator = Draft7Validator(json.loads((SCHEMAS / f"{name}.schema.json").read_text()))
        assert [error.message for content in contents for error in validator.iter_errors(content)] == []


# --- local data and resume ---


def test_local_files_are_told_from_addresses_and_data_sets(tmp_path):
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_text("{}\n")
    files = {"train": str(tmp_path / "a.jsonl"), "test": [str(tmp_path / "b.jsonl")]}
    assert script.local_data({"path": "json", "data_files": files}) == (tmp_path, ["a.jsonl", "b.jsonl"])
    assert script.local_data({"path": "json", "data_files": "a.jsonl", "data_dir": str(tmp_path)}) == (
        tmp_path,
        ["a.jsonl"],
    )
    assert script.local_data({"path": str(tmp_path)}) == (tmp_path, [])
    for asked in ({"path": "gsm8k"}, {"path": "json", "data_files": "https://example.org/a.jsonl"}):
        assert script.local_data(asked) is None


def test_some_files_of_a_folder_have_the_hash_of_the_folder_when_they_are_all(tmp_path):
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_text(name)
    both = script.data_sha256(tmp_path)
    assert script.files_sha256(tmp_path, ["b.jsonl", "a.jsonl"]) == both
    (tmp_path / "log").write_text("something else in this folder")
    assert script.local_sha256(tmp_path, "a.jsonl,b.jsonl") == both
    assert script.local_sha256(tmp_path, None) != both
    assert script.local_sha256(tmp_path, "a.jsonl,gone.jsonl") is None


def test_what_is_finished_is_found_again_and_what_differs_is_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "test.jsonl").write_text("{}\n")
    task, replies = generative_task(["1"], ["1"])
    task.dataset = script.replace(task.dataset, sha256=script.files_sha256(tmp_path / "data", ["test.jsonl"]))
    record, text = script.measure_lm_eval(MODEL, task, replies, ENGINE, settings(), 1_795_000_000)
    script.write_record(tmp_path / "results", MODEL, task, record, text)

    def found(model=MODEL, request="sums", **changes):
        history = History(tmp_path / "results", [model])
        own = settings(custom_tasks=Path("tasks.yaml"), **changes)
        return history.request(model, own, parse_lm_eval_task(request))

    assert found()
    assert found(batch_size=4, tensor_parallel_size=2), "what changes no score does not count"
    assert not found(model=script.replace(MODEL, weights_sha256="ef" * 32))
    assert not found(request="sums|0"), "another request: lm-eval has to say what it stands for"
    for change in ({"seed": 1}, {"limit": 3}, {"temperature": 0.5}, {"reasoning_tags": TAGS}, {"backend": "vllm"}):
        assert not found(**change)
    (tmp_path / "data" / "other.jsonl").write_text("{}\n")
    assert found(), "another file beside the data"
    (tmp_path / "data" / "test.jsonl").write_text('{"changed": 1}\n')
    assert not found()


# --- refusals ---


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--tasks", "a"], "--model is missing"),
        (["--model", "m"], "--tasks is missing"),
        (["--model", "m", "--tasks", "a", "--limit", "0"], "--limit must be at least 1"),
        (["--model", "m", "--tasks", "a", "--repeats", "3"], "add --temperature"),
        (["--model", "m", "--tasks", "a", "--temperature", "-1"], "must lie between 0 (greedy) and 10"),
        (["--model", "m", "--tasks", "a", "--tensor-parallel-size", "2"], "a setting of --backend vllm"),
        (["--model", "m", "--tasks", "a", "--gpu-memory-utilization", "0.5"], "a setting of --backend vllm"),
        (["--model", "m", "--tasks", "a", "--backend", "vllm", "--device", "mps"], "use --backend hf"),
        (["--model", "m", "--tasks", "a", "--backend", "vllm", "--gpu-memory-utilization", "2"], "between 0 and 1"),
        (["--model", "m", "--tasks", "a", "--data-parallel-size", "2"], "no data parallelism in one process"),
        (["--model", "m", "--tasks", "a", "--sandbox", "docker"], "inspect_vllm_uv.py"),
        (["--model", "m", "--tasks", "a", "--results-repo", "no"], "--results-repo no: write OWNER/NAME"),
    ],
)
def test_refusals_are_one_line_and_leave_stdout_empty(words, message, capsys):
    assert main(words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err
    assert captured.err.count("\n") == 1


def test_task_files_that_are_not_there_are_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(script, "installed_versions", lambda *_: {})
    words = ["--model", str(checkpoint(tmp_path / "step_1")), "--tasks", "all", "--custom-tasks"]
    assert main([*words, str(tmp_path / "gone")]) == 2
    assert "no such file or folder" in capsys.readouterr().err


def test_the_command_line_is_told_without_absolute_paths_and_tokens(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_TOKEN", "hf_" + "secretsecret")
    words = ["--model", str(tmp_path / "a"), "--tasks", "x|5", "--reasoning-tags", "<t>", "</t>", "--use-chat-template"]
    args = script.build_parser().parse_args([*words, "--system-prompt", "hf_" + "secretsecret", "--json"])
    line = script.command_line(args, "lm_eval_vllm_uv.py")
    assert line == (
        "uv run scripts/lm_eval_vllm_uv.py --model a --tasks 'x|5' --use-chat-template --system-prompt *** "
        "--reasoning-tags '<t>' '</t>'"
    )


def test_a_tag_of_a_canonical_name_gives_way_to_the_mapped_task():
    catalog = {
        "truthfulqa": CatalogEntry("truthfulqa", "tag", (), ("truthfulqa_mc1", "truthfulqa_gen")),
        "truthfulqa_mc2": CatalogEntry("truthfulqa_mc2", "task", ()),
    }
    assert [row.name for row in script.resolve_name(TaskRequest("truthfulqa", None), catalog)] == ["truthfulqa_mc2"]


def test_help_imports_nothing_heavy():
    code = (
        "import sys, lm_eval_vllm_uv\n"
        "try:\n    lm_eval_vllm_uv.main(['--help'])\nexcept SystemExit:\n    pass\n"
        "print(sorted({'torch', 'lm_eval', 'vllm', 'transformers', 'datasets', 'rich', 'yaml'} & set(sys.modules)))"
    )
    folder = Path(script.__file__).parent
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
