"""validate: each rule finds what is wrong, leaves alone what is right, and no metadata of anybody brings it down."""

import copy
import dataclasses
import datetime
import json
from pathlib import Path

import evaluation_manager as manager
import pytest
import yaml
from huggingface_hub import EvalResult, EvalResultEntry, eval_result_entries_to_yaml
from huggingface_hub.repocard_data import eval_results_to_model_index, model_index_to_eval_results
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from thoroughness import examples

MAPPING = json.loads((Path(__file__).resolve().parents[1] / "metric_mapping.json").read_text(encoding="utf-8"))
GOOD = {
    "task": {"type": "text-generation", "name": "Text Generation"},
    "dataset": {"type": "cais/mmlu", "name": "MMLU", "config": "all", "split": "test", "revision": "main"},
    "metrics": [{"type": "accuracy", "name": "MMLU (5-shot)", "value": 71.5, "args": {"num_few_shot": 5}}],
    "source": {"name": "Model card, table 2", "url": "https://huggingface.co/acme/lumen-7b"},
}
ROW = {
    "dataset": {"id": "cais/hle", "task_id": "hle", "revision": "5503434ddd753f426f4b38109466949a1217c2bb"},
    "value": 20.9,
    "verifyToken": "eyJhbGciOiJIUzI1NiJ9",
    "date": "2025-01-15T10:30:00Z",
    "source": {"url": "https://huggingface.co/acme/lumen-7b", "name": "Eval Logs", "user": "ann", "org": "acme"},
    "notes": "With tools",
}
RESULT = "model-index[0].results[0]"
LEFT_OUT = object()


def card(*results) -> dict:
    return {"model-index": [{"name": "lumen-7b", "results": list(results)}]}


def with_field(document: dict, path: str, value) -> dict:
    """A copy of a document with one field set, or taken out."""
    changed = copy.deepcopy(document)
    *parents, last = (int(part) if part.isdigit() else part for part in path.split("."))
    place = changed
    for part in parents:
        place = place[part]
    if value is LEFT_OUT:
        del place[last]
    else:
        place[last] = value
    return changed


def found(findings) -> list[tuple[str, str]]:
    assert all(finding.message and finding.severity in ("error", "warning") for finding in findings)
    return [(finding.severity, finding.path) for finding in findings]


def check(document) -> list:
    return manager.check_model_index(document, MAPPING)


def check_file(data, name: str = ".eval_results/hle.yaml") -> list:
    return manager.check_eval_results(name, data, MAPPING)


def result(kind: str, metric: str, value, **more) -> dict:
    dataset = {"type": kind, "name": more.pop("name", kind)}
    return {
        "task": {"type": "text-generation"},
        "dataset": dataset,
        "metrics": [{"type": metric, "value": value, **more}],
    }


# --- model-index: one field ---

# field of GOOD, a wrong value, the severity, the path below the result where it differs, a right value
FIELDS = [
    ("task", LEFT_OUT, "error", "task", {"type": "question-answering"}),
    ("task", "text-generation", "error", "task", {"type": "summarization"}),
    ("task.type", LEFT_OUT, "error", "task.type", "translation"),
    ("task.type", 7, "error", "task.type", "fill-mask"),
    ("task.type", "text-generatoin", "warning", "task.type", "text2text-generation"),
    ("task.name", "**Text** Generation", "error", "task.name", "Text Generation"),
    ("dataset", [], "error", "dataset", {"type": "cais/mmlu", "name": "MMLU"}),
    ("dataset.type", None, "error", "dataset.type", "gsm8k"),
    ("dataset.type", "https://huggingface.co/datasets/cais/mmlu", "warning", "dataset.type", "mteb/arguana"),
    ("dataset.type", "my private data", "warning", "dataset.type", "common_voice_11.0"),
    ("dataset.name", LEFT_OUT, "error", "dataset.name", "MMLU (5-shot)"),
    ("dataset.name", "", "error", "dataset.name", "C-Eval"),
    ("dataset.name", "[MMLU](https://arxiv.org/abs/2009.03300)", "error", "dataset.name", "FLORES [en] (dev)"),
    ("dataset.name", "<b>MMLU</b>", "error", "dataset.name", "tiny <1B models"),
    ("dataset.name", r"$\tau^2$-Bench", "error", "dataset.name", "τ²-Bench, $5 to $9 a task"),
    ("dataset.name", "MMLU\nPro", "error", "dataset.name", "MMLU Pro"),
    ("dataset.name", "MMLU \x1b[31m", "error", "dataset.name", "MMLU – 中文"),
    ("dataset.name", "MMLU \u202eorP", "error", "dataset.name", "آزمون\u200cها"),
    ("dataset.name", "x" * 501, "error", "dataset.name", "x" * 500),
    ("dataset.config", "", "warning", "dataset.config", "default"),
    ("dataset.config", False, "error", "dataset.config", "no"),  # an unquoted no
    ("dataset.config", 1.0, "error", "dataset.config", "3.0.0"),
    ("dataset.split", ["test"], "error", "dataset.split", "test[:10%]"),
    ("dataset.revision", 5503434, "error", "dataset.revision", "5503434"),
    ("dataset.args", 5, "warning", "dataset.args", {"num_few_shot": 5}),
    ("dataset.args", ["en"], "warning", "dataset.args", "en"),
    ("metrics", LEFT_OUT, "error", "metrics", [{"type": "f1", "value": 1.5}]),
    ("metrics", {"type": "f1", "value": 1.5}, "error", "metrics", [{"type": "f1", "value": 1.5}]),
    ("metrics", [], "warning", "metrics", [{"type": "f1", "value": 1.5}, {"type": "accuracy", "value": 2}]),
    ("metrics.0", 71.5, "error", "metrics[0]", {"type": "accuracy", "value": 71.5}),
    ("metrics.0.type", LEFT_OUT, "error", "metrics[0].type", "exact_match"),
    ("metrics.0.type", "acuracy", "warning", "metrics[0].type", "acc_norm"),
    ("metrics.0.type", "pass@one", "warning", "metrics[0].type", "pass@1"),
    ("metrics.0.type", "maj", "warning", "metrics[0].type", "maj@64"),
    ("metrics.0.type", "avg@", "warning", "metrics[0].type", "avg@32"),
    ("metrics.0.name", "`acc`", "error", "metrics[0].name", "acc (norm), 5-shot, my_own_name * 2"),
    ("metrics.0.name", "acc &plusmn; 1", "error", "metrics[0].name", "R&D; precision & recall"),
    ("metrics.0.args", 5, "warning", "metrics[0].args", {"max_order": 4, "languages": ["en", "fr"]}),
    ("metrics.0.value", LEFT_OUT, "error", "metrics[0].value", 0),
    ("metrics.0.value", None, "error", "metrics[0].value", 0.0),
    ("metrics.0.value", True, "error", "metrics[0].value", 1),
    ("metrics.0.value", float("nan"), "error", "metrics[0].value", 100),
    ("metrics.0.value", float("-inf"), "error", "metrics[0].value", 1e-9),
    ("metrics.0.value", 10**400, "error", "metrics[0].value", 99.99),
    ("metrics.0.value", "n/a", "error", "metrics[0].value", 71.5),
    ("metrics.0.value", "71,5", "error", "metrics[0].value", 71.5),
    ("metrics.0.value", [71.5], "error", "metrics[0].value", 71.5),
    ("metrics.0.value", "71.5", "warning", "metrics[0].value", 71.5),
    ("metrics.0.value", "71.5 %", "warning", "metrics[0].value", 71.5),
    ("metrics.0.value", "20.0 ± 1.2", "warning", "metrics[0].value", 20.0),  # an example of the specification
    ("metrics.0.value", 100.5, "error", "metrics[0].value", 100.0),
    ("metrics.0.value", -3, "error", "metrics[0].value", 3),
    ("metrics.0.value", "715", "error warning", "metrics[0].value", 71.5),
    ("metrics.0.values", 3, "warning", "metrics[0]", LEFT_OUT),
    ("metric", [], "warning", "", LEFT_OUT),
    ("source", "the paper", "error", "source", LEFT_OUT),
    ("source.url", "the paper", "error", "source.url", "http://example.org/a?b=c#d"),
    ("source.url", "javascript:alert(1)", "error", "source.url", "https://arxiv.org/abs/2009.03300"),
    ("source.url", "file:///etc/passwd", "error", "source.url", "https://example.org:8443/x"),
    ("source.url", "http://[", "error", "source.url", "http://[::1]/x"),
    ("source.url", "https://me:secret@example.org/", "error", "source.url", "https://example.org/@me"),
    ("source.url", "https://example.org/a b", "error", "source.url", "https://example.org/a%20b"),
    ("source.name", "a [b](c)", "error", "source.name", "Open LLM Leaderboard"),
    ("source.url", LEFT_OUT, "warning", "source.url", "https://example.org"),  # huggingface_hub cannot load it
]


@pytest.mark.parametrize(("field", "wrong", "severity", "path", "right"), FIELDS)
def test_field_of_a_result(field, wrong, severity, path, right):
    findings = check(card(with_field(GOOD, field, wrong)))
    expected = f"{RESULT}.{path}" if path else RESULT
    assert sorted(found(findings)) == [(each, expected) for each in severity.split()]
    if right is not LEFT_OUT:
        assert check(card(with_field(GOOD, field, right))) == []


def test_good_card_has_no_findings():
    assert check(card(GOOD)) == check({}) == check(None) == check({"license": "mit", "model-index": None}) == []


@pytest.mark.parametrize(
    ("document", "severity", "path"),
    [
        ([], "error", "front matter"),
        ("text", "error", "front matter"),
        ({"model-index": {}}, "error", "model-index"),
        ({"model-index": 5}, "error", "model-index"),
        ({"model-index": []}, "warning", "model-index"),
        ({"model-index": ["lumen"]}, "error", "model-index[0]"),
        ({"model-index": [{"results": [GOOD]}]}, "error", "model-index[0].name"),
        ({"model-index": [{"name": "**Lumen**", "results": [GOOD]}]}, "error", "model-index[0].name"),
        ({"model-index": [{"name": "lumen"}]}, "error", "model-index[0].results"),
        ({"model-index": [{"name": "lumen", "results": []}]}, "warning", "model-index[0].results"),
        ({"model-index": [{"name": "lumen", "results": [None]}]}, "error", "model-index[0].results[0]"),
        ({"model-index": [{"name": "lumen", "results": [GOOD], "result": 1}]}, "warning", "model-index[0]"),
        (
            {"model-index": [{"name": name, "results": [copy.deepcopy(GOOD)]} for name in ("a", "b")]},
            "warning",
            "model-index",
        ),
    ],
)
def test_structure(document, severity, path):
    assert found(check(document)) == [(severity, path)]


def test_unknown_words_come_once_with_the_nearest():
    results = [
        with_field(GOOD, "task.type", "text-generatoin") | {"dataset": {"type": f"d{i}", "name": "D"}} for i in "abc"
    ]
    [finding] = check(card(*results))
    assert finding.path == f"{RESULT}.task.type"
    assert "'text-generatoin' is not known (did you mean text-generation" in finding.message
    assert finding.message.endswith("; 3 times")
    assert "(did you mean metrics?)" in check(card({**GOOD, "metrics ": []}))[0].message


# --- model-index: ranges and scales ---


@pytest.mark.parametrize(
    ("kind", "metric", "value", "severity"),
    [
        ("cais/mmlu", "accuracy", 0.715, None),
        ("cais/mmlu", "accuracy", 7150, "error"),
        ("cais/mmlu", "acc_norm", 715, "error"),  # not the benchmark's own metric, but a share too
        ("openai/gsm8k", "exact_match", -0.1, "error"),
        ("acme/unheard-of", "accuracy", 715, "warning"),  # who knows what they call accuracy
        ("acme/unheard-of", "score", 7150, None),
        ("cais/mmlu", "score", 7150, "error"),
        ("cais/mmlu", "tokens_per_second", 7150, None),  # not the metric whose range is known
        ("openslr/librispeech_asr", "wer", 130.2, None),
        ("openslr/librispeech_asr", "wer", -1, "error"),
        ("common_voice", "cer", 101, None),
        ("lmarena", "elo", 1287, None),
        ("lmarena", "elo", -12, None),
        ("codeforces", "rating", 2029, None),
        ("EleutherAI/wikitext_document_level", "word_perplexity", 512.5, None),
        ("EleutherAI/wikitext_document_level", "word_perplexity", 0.5, "error"),
        ("nyu-mll/glue", "matthews_correlation", -0.07, None),
        ("nyu-mll/glue", "matthews_correlation", -700, "error"),
        ("mteb/stsb", "cosine_spearman", -3.2, None),
        ("mt_bench", "score", 8.3, None),
        ("mt_bench", "score", 83, "error"),
        ("ocrbench", "score", 877, None),
        ("ocrbench", "score", 1001, "error"),
        ("pbevan11/EQ-Bench", "score", -20, None),
        ("wmt/wmt14", "bleu", 41.2, None),
        ("wmt/wmt14", "bleu", 412, "error"),
        ("alpaca_eval_2", "win_rate", 57.5, None),
        ("alpaca_eval_2", "win_rate", 157.5, "error"),
        ("CartPole-v1", "mean_reward", -200.5, None),
        ("real_toxicity_prompts", "toxicity", 0.03, None),  # lower is better
    ],
)
def test_value_range(kind, metric, value, severity):
    task = {"type": "reinforcement-learning"}
    findings = [f for f in check(card({**result(kind, metric, value), "task": task})) if "not known" not in f.message]
    assert found(findings) == ([(severity, f"{RESULT}.metrics[0].value")] if severity else [])


def test_benchmark_is_known_by_its_name():
    assert found(check(card(result("unknown", "score", 500, name="n")))) == []
    for name in ("MMLU-Pro", "mmlu pro", "GSM8K"):
        row = result("unknown", "score", 500)
        row["dataset"]["name"] = f"{name} (5-shot)"
        assert found(check(card(row))) == [("error", f"{RESULT}.metrics[0].value")]


def test_two_scales_in_a_card():
    rows = [
        result("cais/mmlu", "accuracy", 71.5),
        result("openai/gsm8k", "exact_match", 0.8),
        result("drop", "f1", 65.0),
    ]
    [finding] = check(card(*rows))
    assert (finding.severity, finding.path) == ("warning", "model-index[0].results[1].metrics[0].value")
    assert "two scales" in finding.message and "71.5" in finding.message
    rows[1]["metrics"][0]["value"] = 80.0
    assert check(card(*rows)) == []


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        ("wer", 0.2),
        ("loss", 0.4),
        ("rouge1", 0.4),
        ("matthews_correlation", 0.6),
        ("accuracy", 0),
        ("recall_at_1", 0.9),
    ],
)
def test_other_measures_have_scales_of_their_own(metric, value):
    assert check(card(result("cais/mmlu", "accuracy", 71.5), result("acme/data", metric, value))) == []


# As trainers and leaderboards write them.
WILD = """
model-index:
- name: ppo-LunarLander-v2
  results:
  - task: {type: reinforcement-learning, name: reinforcement-learning}
    dataset: {name: LunarLander-v2, type: LunarLander-v2}
    metrics: [{type: mean_reward, value: 256.15 +/- 21.43, name: mean_reward, verified: false}]
  - task: {type: text-classification, name: Text Classification}
    dataset: {name: emotion, type: emotion, config: split, split: validation, args: split}
    metrics: [{name: Accuracy, type: accuracy, value: 0.9265}, {name: F1, type: f1, value: 0.9266}]
  - task: {type: automatic-speech-recognition, name: Automatic Speech Recognition}
    dataset: {name: LibriSpeech (clean), type: librispeech_asr, config: clean, split: test, args: {language: en}}
    metrics: [{name: Test WER, type: wer, value: 135.2}]
---
model-index:
- name: lumen-7b
  results:
  - task: {type: text-generation, name: Text Generation}
    dataset: {name: AI2 Reasoning Challenge (25-Shot), type: ai2_arc, config: ARC-Challenge, split: test,
      args: {num_few_shot: 25}}
    metrics: [{type: acc_norm, value: 64.59, name: normalized accuracy}]
    source: {url: "https://huggingface.co/spaces/open_llm_leaderboard?query=a/b", name: Open LLM Leaderboard}
  - task: {type: text-generation, name: Text Generation}
    dataset: {name: TruthfulQA (0-shot), type: truthful_qa, config: multiple_choice, split: validation,
      args: {num_few_shot: 0}}
    metrics: [{type: mc2, value: 51.21}]
    source: {url: "https://huggingface.co/spaces/open_llm_leaderboard?query=a/b", name: Open LLM Leaderboard}
  - task: {type: text-generation, name: Text Generation}
    dataset: {name: IFEval (0-Shot), type: HuggingFaceH4/ifeval, args: {num_few_shot: 0}}
    metrics: [{type: inst_level_strict_acc and prompt_level_strict_acc, value: 38.65, name: strict accuracy}]
    source: {url: "https://huggingface.co/spaces/open_llm_leaderboard?query=a/b", name: Open LLM Leaderboard}
---
model-index:
- name: embed
  results:
  - task: {type: Retrieval}
    dataset: {type: mteb/arguana, name: MTEB ArguAna, config: default, split: test,
      revision: c22ab2a51041ffd869aaddef7af8d8215647e41a}
    metrics: [{type: map_at_1, value: 0.9}, {type: ndcg_at_10, value: 52.9}, {type: precision_at_1000, value: 0.09},
      {type: main_score, value: 52.9}, {type: nauc_map_at_1000_std, value: -12.5}]
---
model-index:
- name: sentences
  results:
  - task: {type: triplet, name: Triplet}
    dataset: {name: all nli test, type: all-nli-test}
    metrics: [{type: cosine_accuracy, value: 0.91, name: Cosine Accuracy}, {type: cosine_accuracy@1, value: 0.7}]
  - task: {type: semantic-similarity, name: Semantic Similarity}
    dataset: {name: Unknown, type: unknown}
    metrics: [{type: pearson_cosine, value: -0.02, name: Pearson Cosine}, {type: cosine_mcc, value: 0.5}]
"""


def test_cards_of_trainers_and_leaderboards_have_no_errors():
    for document in yaml.safe_load_all(WILD):
        findings = check(document)
        assert [finding for finding in findings if finding.severity == "error"] == []
        assert [f for f in findings if "not known" not in f.message and "is the text" not in f.message] == []


# --- model-index: repeated results ---

TWICE = "model-index[0].results[1].metrics[0].value"


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("metrics.0.value", 71.5, [("warning", TWICE)]),
        ("metrics.0.value", 72.0, [("error", TWICE)]),
        ("metrics.0.verified", True, [("warning", TWICE)]),
        ("metrics.0.name", "MMLU (0-shot)", []),
        ("metrics.0.args", {"num_few_shot": 0}, []),
        ("metrics.0.type", "acc_norm", []),
        ("dataset.config", "abstract_algebra", []),
        ("dataset.split", "validation", []),
        ("dataset.revision", "v2", []),
        ("dataset.args", {"num_few_shot": 0}, []),
        ("dataset.type", "cais/mmlu_no_train", []),
        ("task.type", "question-answering", []),
        ("source.name", "Model card, table 3", []),
        ("source.url", "https://example.org", []),
    ],
)
def test_same_place_twice(field, value, expected):
    assert found(check(card(GOOD, with_field(GOOD, field, value)))) == expected


def test_source_without_url_is_what_the_hubs_client_does_not_load():
    document = card(with_field(GOOD, "source.url", LEFT_OUT))
    assert "huggingface_hub" in check(document)[0].message
    with pytest.raises(ValueError, match="source_url"):
        model_index_to_eval_results(document["model-index"])


def test_only_the_data_sets_name_differs():
    other = with_field(with_field(GOOD, "dataset.name", "MMLU (STEM)"), "metrics.0.value", 60)
    [finding] = check(card(GOOD, other))
    assert (finding.severity, finding.path) == ("warning", TWICE)


def test_number_and_text_repeat_each_other():
    findings = check(card(GOOD, with_field(GOOD, "metrics.0.value", "71.50")))
    assert [finding.severity for finding in findings] == ["warning", "warning"]


def test_alias_to_a_result_repeats_it():
    text = yaml.safe_dump(card(GOOD, GOOD))
    assert "*id" in text
    assert found(check(yaml.safe_load(text))) == [("warning", TWICE)]


# --- .eval_results: one field ---

ENTRY_FIELDS = [
    ("dataset", LEFT_OUT, "error", "dataset", {"id": "cais/hle", "task_id": "hle"}),
    ("dataset.id", LEFT_OUT, "error", "dataset.id", "TIGER-Lab/MMLU-Pro"),
    ("dataset.id", "hle", "error", "dataset.id", "cais/hle"),
    ("dataset.id", "https://huggingface.co/datasets/cais/hle", "error", "dataset.id", "cais/hle"),
    ("dataset.id", "../../etc/passwd", "error", "dataset.id", "cais/hle"),
    ("dataset.id", "cais/hlle", "warning", "dataset.id", "cais/hle"),
    ("dataset.task_id", LEFT_OUT, "error", "dataset.task_id", "hle"),
    ("dataset.task_id", 5, "error", "dataset.task_id", "hle"),
    ("dataset.task_id", "default", "warning", "dataset.task_id", "hle"),
    ("dataset.revision", 1234567, "error", "dataset.revision", "1234567"),
    ("dataset.config", "x", "warning", "dataset", LEFT_OUT),
    ("value", LEFT_OUT, "error", "value", 0),
    ("value", False, "error", "value", 0.0),
    ("value", float("nan"), "error", "value", 0.209),
    ("value", "20.9", "error", "value", 20.9),
    ("value", "high", "error", "value", 20),
    ("value", 120.9, "error", "value", 100),
    ("value", -1, "error", "value", 1),
    ("date", datetime.date(2025, 1, 15), "warning", "date", "2025-01-15"),
    ("date", datetime.datetime(2025, 1, 15, tzinfo=datetime.UTC), "warning", "date", "2025-01-15T00:00:00+00:00"),
    ("date", "15.01.2025", "error", "date", "2025-01-15T10:30:00.123Z"),
    ("date", "2025-02-30", "error", "date", "2025-02-28"),
    ("date", "2025", "error", "date", "2025-01-01T10:30"),
    ("date", 20250115, "error", "date", LEFT_OUT),
    ("source", [], "error", "source", LEFT_OUT),
    ("source.url", LEFT_OUT, "error", "source.url", "https://example.org"),
    ("source.url", "example.org", "error", "source.url", "http://example.org"),
    ("source.user", "@ann", "error", "source.user", "ann-lee_2"),
    ("source.org", "Acme Inc.", "error", "source.org", "Acme"),
    ("source.name", "<i>Logs</i>", "error", "source.name", "Logs"),
    ("source.link", "x", "warning", "source", LEFT_OUT),
    ("notes", "one\ntwo", "error", "notes", "one, two"),
    ("notes", ["tools"], "error", "notes", LEFT_OUT),
    ("verifyToken", 5, "error", "verifyToken", "x" * 3000),
    ("note", "With tools", "warning", "", LEFT_OUT),
]


@pytest.mark.parametrize(("field", "wrong", "severity", "path", "right"), ENTRY_FIELDS)
def test_field_of_an_entry(field, wrong, severity, path, right):
    findings = check_file([with_field(ROW, field, wrong)])
    assert found(findings) == [(severity, ".eval_results/hle.yaml[0]" + (f".{path}" if path else ""))]
    try:
        fixed = with_field(ROW, field, right)
    except KeyError:
        fixed = ROW  # the field was too much
    wanted = {"TIGER-Lab/MMLU-Pro": [("warning", ".eval_results/hle.yaml[0].dataset.task_id")]}
    assert found(check_file([fixed])) == (wanted.get(right, []) if isinstance(right, str) else [])


@pytest.mark.parametrize(
    ("data", "severity", "path"),
    [
        (None, "error", "x.yaml"),
        (ROW, "error", "x.yaml"),
        ("text", "error", "x.yaml"),
        ([], "warning", "x.yaml"),
        ([5], "error", "x.yaml[0]"),
    ],
)
def test_structure_of_a_file(data, severity, path):
    assert found(check_file(data, "x.yaml")) == [(severity, path)]


def test_only_yaml_files_are_read():
    assert found(check_file([ROW], ".eval_results/hle.yml")) == [("warning", ".eval_results/hle.yml")]


def test_name_of_a_file_is_shown_on_one_line():
    assert found(check_file(None, ".eval_results/a\n\x1b[31m.yaml")) == [("error", ".eval_results/a \\u001b[31m.yaml")]


SECOND = "x.yaml[1].value"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, [("warning", SECOND)]),
        ({"value": 22.1}, [("error", SECOND)]),
        ({"value": 22.1, "date": "2025-03-01"}, [("warning", SECOND)]),
        ({"value": 22.1, "source.url": "https://example.org"}, [("warning", SECOND)]),
        ({"value": 0.221, "notes": "No tools"}, [("warning", SECOND), ("warning", SECOND)]),  # and another scale
        ({"value": 22.1, "notes": LEFT_OUT}, [("warning", SECOND)]),  # a variant beside the default
        ({"dataset.id": "TIGER-Lab/MMLU-Pro", "dataset.task_id": "mmlu_pro"}, [("warning", SECOND)]),
    ],
)
def test_two_entries_in_a_file(changes, expected):
    other = ROW
    for field, value in changes.items():
        other = with_field(other, field, value)
    assert sorted(found(check_file([ROW, other], "x.yaml"))) == sorted(expected)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, [("warning", "b.yaml[0].value")]),
        ({"value": 22.1}, [("error", "b.yaml[0].value")]),
        ({"value": 22.1, "notes": "No tools"}, []),
        ({"value": 0.22, "notes": "No tools"}, [("warning", "a.yaml[0].value")]),  # two scales on one leaderboard
        ({"value": 0.85, "dataset.id": "TIGER-Lab/MMLU-Pro", "dataset.task_id": "mmlu_pro"}, []),  # each has its own
    ],
)
def test_two_files(changes, expected):
    other = ROW
    for field, value in changes.items():
        other = with_field(other, field, value)
    findings = manager.check_eval_results_set({"a.yaml": [ROW], "b.yaml": [other]}, MAPPING)
    assert [severity for severity, _ in found(findings)] == [severity for severity, _ in expected]
    assert {path for _, path in found(findings)} <= {"a.yaml[0].value", "b.yaml[0].value"}
    assert manager.check_eval_results_set({"a.yaml": [ROW, other]}, MAPPING) == []  # check_eval_results says that


def test_broken_files_beside_good_ones():
    assert manager.check_eval_results_set({"a.yaml": None, "b.yaml": [ROW, 5], "c.yaml": "x"}, MAPPING) == []


def test_without_a_vocabulary_nothing_is_unknown_or_out_of_range():
    assert manager.check_eval_results("x.yaml", [with_field(ROW, "dataset.id", "acme/own")], {}) == []
    assert manager.check_model_index(card(GOOD), {}) == []


# --- what the Hub's client writes is right ---

WORDS = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=12)
NUMBERS = st.floats(0, 100).map(lambda value: round(value, 4))
URLS = st.sampled_from(["https://huggingface.co/acme/lumen-7b", "http://example.org/results?run=3"])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(WORDS, WORDS, NUMBERS, st.none() | WORDS, st.none() | URLS), min_size=1, max_size=8))
def test_model_index_of_the_hubs_client(rows):
    results = [
        EvalResult(
            task_type="text-generation",
            dataset_type=f"acme/{kind}",
            dataset_name=kind.upper(),
            dataset_config=config,
            dataset_split="test",
            metric_type="accuracy",
            metric_name=f"{metric} {number}",
            metric_value=value,
            metric_args={"num_few_shot": 5},
            verified=False,
            source_url=url,
            source_name="Leaderboard" if url else None,
        )
        for number, (kind, metric, value, config, url) in enumerate(rows)
    ]
    document = yaml.safe_load(yaml.safe_dump({"model-index": eval_results_to_model_index("lumen-7b", results)}))
    assert [finding for finding in check(document) if finding.severity == "error"] == []


@settings(max_examples=60, deadline=None)
@given(NUMBERS, st.dates(), st.none() | WORDS, URLS, st.booleans())
def test_eval_results_of_the_hubs_client(value, date, note, url, full):
    more = {"date": date.isoformat(), "source_url": url, "source_user": "ann", "source_org": "acme"} if full else {}
    for entry in (
        EvalResultEntry("cais/hle", "hle", value, notes=note, **more),
        EvalResultEntry("Idavidrein/gpqa", "gpqa_diamond", value / 100, dataset_revision="main", **more),
        EvalResultEntry("MathArena/aime_2026", "MathArena/aime_2026", value, source_url=url, source_name="Logs"),
    ):
        data = yaml.safe_load(yaml.safe_dump(eval_result_entries_to_yaml([entry])))
        assert check_file(data) == []


# --- anything at all ---

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(0, 10).map(lambda digits: 16 ** (digits * 1000))
    | st.floats()
    | st.text(max_size=20)
    | st.characters()
    | st.binary(max_size=5)
    | st.dates()
    | st.datetimes(timezones=st.none() | st.timezones())
    | st.sets(st.integers(), max_size=2)
    | st.sampled_from(["accuracy", "text-generation", "cais/hle", "12", "1e999", "**x**", "https://e.org", "\ud800"])
)
FIELD_NAMES = [
    *("name", "results", "task", "dataset", "metrics", "source", "type", "value", "args", "url", "config"),
    *("id", "task_id", "date", "notes"),
]
KEYS = st.sampled_from(FIELD_NAMES) | st.none() | st.integers() | st.dates() | st.text(max_size=3)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6), max_leaves=30
)


def shaped(metrics):
    """Something like a model-index, with anything in its places."""
    part = st.dictionaries(KEYS, SCALARS | VALUES, max_size=6) | VALUES
    row = st.fixed_dictionaries({"task": part, "dataset": part, "metrics": metrics}, optional={"source": part})
    model = st.fixed_dictionaries({"name": SCALARS, "results": st.lists(row | VALUES, max_size=4) | VALUES})
    return st.fixed_dictionaries({"model-index": st.lists(model | VALUES, max_size=2)})


METRICS = st.lists(
    st.fixed_dictionaries({"type": SCALARS, "value": SCALARS}, optional={"args": VALUES}) | VALUES, max_size=3
)
ENTRIES = st.lists(
    st.fixed_dictionaries(
        {"dataset": st.fixed_dictionaries({"id": SCALARS, "task_id": SCALARS}) | VALUES, "value": SCALARS},
        optional={"source": VALUES, "date": SCALARS, "notes": SCALARS},
    )
    | VALUES,
    max_size=4,
)


def assert_sound(findings) -> None:
    assert len(findings) <= manager.MAX_FINDINGS + 1
    assert {finding.severity for finding in findings} <= {"error", "warning"}
    json.dumps([dataclasses.asdict(finding) for finding in findings])
    text = manager.render_findings(findings)
    text.encode("utf-8")  # no lone surrogates
    lines = text.split("\n")
    assert len(lines) == len(findings) + 2 and lines[-1] == "" and lines[-2].startswith("summary: ")
    assert all(line.isprintable() for line in lines)


@settings(max_examples=examples(300), deadline=None, suppress_health_check=list(HealthCheck))
@given(VALUES | shaped(METRICS | VALUES) | VALUES.map(lambda value: {"model-index": value}))
def test_no_metadata_brings_it_down(front):
    assert_sound(check(front))


@settings(max_examples=examples(300), deadline=None, suppress_health_check=list(HealthCheck))
@given(st.text(max_size=20), ENTRIES | VALUES)
def test_no_file_brings_it_down(name, data):
    assert_sound(check_file(data, name))
    assert_sound(manager.check_eval_results_set({name: data, "b.yaml": data}, MAPPING))


@pytest.mark.parametrize(
    "text",
    [
        "model-index: &a [*a]",
        "model-index: &a [{name: x, results: *a}]",
        "model-index: [&a {name: x, results: [*a, *a], task: *a, dataset: *a, metrics: [*a], source: *a}]",
        "model-index: [{name: x, results: [{task: {type: x}, dataset: {type: x, name: y, args: &a {b: *a}},"
        " metrics: [{type: f1, value: 1, args: &b [*b]}]}]}]",
        "model-index: !!set {a, b}",
        "model-index: !!omap [name: x]",
        "model-index: !!binary aGVsbG8=",
        "&a model-index: [*a]",
        "? 2001-12-14\n: 1\nmodel-index: [{null: 1, 5: 2, name: 2001-12-14, results: [{1: 2}]}]",
    ],
)
def test_strange_yaml(text):
    findings = check(yaml.safe_load(text))
    assert_sound(findings)
    assert findings


def bomb(width: int) -> dict:
    """A card of a few hundred lines whose aliases stand for width ** 3 values."""
    metric = {"type": "accuracy", "value": 5, "args": {}}
    for _ in range(30):  # and arguments that double thirty times
        metric["args"] = {"a": metric["args"], "b": metric["args"]}
    row = {**GOOD, "metrics": [metric] * width}
    return {"model-index": [{"name": "x", "results": [row] * width}] * width}


def test_aliases_cannot_explode():
    findings = check(bomb(300))
    assert_sound(findings)
    assert any("the rest was not checked" in finding.message for finding in findings if finding.severity == "error")
    assert_sound(check_file([{**ROW, "dataset": bomb(300)}] * 300))


def test_too_many_findings_are_counted_and_no_error_is_lost():
    rows = [result(f"acme/d{i}", f"metric{i}x", 1.0) for i in range(500)]
    rows[499]["metrics"][0]["value"] = None
    findings = check(card(*rows))
    assert len(findings) == manager.MAX_FINDINGS + 1
    assert findings[-1] == manager.Finding("", "warning", "and 301 more, 0 of them errors")
    assert ("error", "model-index[0].results[499].metrics[0].value") in found(findings)
    rows = [result("acme/d", "f1", None) for _ in range(500)]
    assert check(card(*rows))[-1].message == "and 300 more, 300 of them errors"


def test_messages_show_foreign_text_harmlessly():
    rows = check(card(with_field(GOOD, "dataset.name", "a\x1b]0;x\x07\n" + "b" * 5000)))
    assert rows[0].message.isprintable() and len(rows[0].message) < 200


# --- the text ---


def test_text_has_the_errors_first():
    findings = [
        manager.Finding("model-index", "warning", "is an empty list"),
        manager.Finding(f"{RESULT}.metrics[0].value", "error", "is null"),
        manager.Finding("", "warning", "and 3 more"),
    ]
    assert manager.render_findings(findings).split("\n") == [
        "error model-index[0].results[0].metrics[0].value: is null",
        "warning model-index: is an empty list",
        "warning in all: and 3 more",
        "summary: 1 errors, 2 warnings",
        "",
    ]
    assert manager.render_findings([]) == "summary: 0 errors, 0 warnings\n"
