"""evaluation_manager.py: reading the evaluation tables of model cards."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import evaluation_manager as manager
import pytest
import score_cards
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parents[1]
CARDS = Path(__file__).with_name("fixtures") / "cards"
SHARED = Path(__file__).parents[2] / "shared" / "model_cards"
EXAMPLE = ROOT / "examples" / "cards" / "lumen-7b.md"
LUMEN = "acme/Lumen-7B-Instruct"
VOCABULARY = manager.build_vocabulary(manager.read_json(ROOT / "metric_mapping.json"))


def read(text: str, repo_id: str = "acme/Foo-7B", **choices: manager.Choice) -> list[manager.Reading]:
    by_number = {int(name[1:]): choice for name, choice in choices.items()}
    return manager.read_tables(manager.parse_card(text), repo_id, VOCABULARY, by_number)


def pairs(reading: manager.Reading) -> list[tuple[str, float]]:
    return [(score.benchmark, score.value) for score in reading.scores]


def table(*rows: str) -> str:
    columns = rows[0].count("|") + 1
    lines = [f"| {rows[0]} |", "|" + "---|" * columns, *(f"| {row} |" for row in rows[1:])]
    return "## Evaluation\n\n" + "\n".join(lines) + "\n"


def only(text: str, repo_id: str = "acme/Foo-7B") -> manager.Reading:
    (reading,) = read(text, repo_id)
    return reading


# --- labelled cards ---


@pytest.mark.parametrize("card", sorted(CARDS.glob("*.md")), ids=lambda path: path.stem)
def test_fixture_card(card, capsys):
    tally = score_cards.score_card(card, verbose=True)
    out = capsys.readouterr().out
    assert (tally.f1, tally.wrong_model, tally.no_evaluation) == (1, 0, 0), out
    assert tally.tables_right == tally.tables, out


@pytest.mark.skipif(not SHARED.is_dir(), reason="the development cards (../shared/model_cards) are not here")
def test_development_cards(capsys):
    assert score_cards.main([str(SHARED)]) == 0, capsys.readouterr().out


# --- values ---


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("85.2", [85.2]),
        ("85.2%", [85.2]),
        ("1,234", [1234]),
        ("1,234,567.5", [1234567.5]),
        ("-1.5", [-1.5]),
        ("−1.5", [-1.5]),
        (".853", [0.853]),
        ("84.0 / 85.1", [84.0, 85.1]),
        ("84.0/85.1/86", [84.0, 85.1, 86]),
        ("67.2 (68.0)", [67.2, 68.0]),
        ("4/30", [4, 30]),
        ("85.2 ± 0.4", [85.2]),
        ("85.2 +/- 0.4", [85.2]),
        ("85.2 (+1.2)", [85.2]),
        ("85.2 (↑1.2)", [85.2]),
        ("85.2 (5-shot)", [85.2]),
        ("~80", [80]),
        ("> 90", [90]),
        ("85.2*", [85.2]),
        ("85.2 †", [85.2]),
        ("🥇 85.2", [85.2]),
        ("72.1 ↑", [72.1]),
    ],
)
def test_value(text, numbers):
    assert list(manager.parse_value(text).numbers) == numbers


@pytest.mark.parametrize(
    "text",
    [
        *filter(
            None,
            re.split(r"\|", "-|—|N/A|OOM|TBD|7B|16.3GB|5-shot|128K|2024-05-13|23.11.30|1e-4|3-5|10x|MoE|15s|v1.0|85,2"),
        ),
        "",
    ],
)
def test_no_value(text):
    assert manager.parse_value(text) is None


def test_decimal_comma_is_decided_per_table():
    german = only(table("Modell | MMLU | Elo", "Foo-7B | 85,2 | 1.103", "Bar-7B | 51,0 | 1.001"))
    assert pairs(german) == [("MMLU", 85.2), ("Elo", 1103)]
    english = only(table("Model | MMLU | Elo", "Foo-7B | 85.2 | 1,103"))
    assert pairs(english) == [("MMLU", 85.2), ("Elo", 1103)]


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("**85.2**", "85.2"),
        ("<u>85.2</u>", "85.2"),
        ("<ins><strong>85.2</strong></ins>", "85.2"),
        ("$85.2_{\\pm 0.3}$", "85.2 ± 0.3"),
        ("$\\textbf{85.2}$", "85.2"),
        ("\\textbf{85.2}", "85.2"),
        ("85.2<sup>1</sup>", "85.2"),
        ("85.2[^1]", "85.2"),
        ("35.2\\*", "35.2*"),
        ("[**Foo**](https://x.y/a_(b)) ![i](u)", "Foo"),
        ("`foo_bar`", "foo_bar"),
        ("Macro\\_avg/acc", "Macro_avg/acc"),
        ("τ<sup>2</sup>-Bench", "τ2-Bench"),
        ("$\\tau^2$-Bench", "τ2-Bench"),
        ("MMLU<br>(5-shot)", "MMLU\n(5-shot)"),
        ("MMLU<sub>5-shot</sub>", "MMLU 5-shot"),
        ("85.2&nbsp;%", "85.2 %"),
        ("snake_case_name", "snake_case_name"),
    ],
)
def test_plain_text(source, text):
    assert manager.plain_text(source) == text


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("MMLU (5-shot)", ("MMLU", "5-shot", None)),
        ("MMLU(5-shot)", ("MMLU", "5-shot", None)),
        ("DROP (3-shot F1)", ("DROP", "3-shot", "F1")),
        ("MMMU (val, CoT)", ("MMMU (val)", "CoT", None)),
        ("LiveCodeBench (Pass@1-COT)", ("LiveCodeBench", "CoT", "Pass@1")),
        ("AIME 2024 cons@64", ("AIME 2024", None, "cons@64")),
        ("C-Eval(Val)", ("C-Eval(Val)", None, None)),
        ("BBH 3-shot", ("BBH", "3-shot", None)),
        ("zero-shot HellaSwag", ("HellaSwag", "0-shot", None)),
        ("MMLU-Pro*", ("MMLU-Pro", None, None)),
        ("anli_r1/acc", ("anli_r1", None, "acc")),
        ("HLE (w/ tools)", ("HLE (w/ tools)", None, None)),
        ("Overall Acc.", ("Overall Acc.", None, None)),
        ("MMLU-Pro, Standard (10 opts, test)", ("MMLU-Pro, Standard (10 opts, test)", None, None)),
    ],
)
def test_label(text, label):
    found = manager.split_label(text)
    assert (found.name, found.shots, found.metric) == label


# --- names: one test for each rule ---


@pytest.mark.parametrize(
    ("label", "repo_id", "level"),
    [
        ("Foo-7B", "acme/foo-7b", 4),
        ("foo 7b", "acme/Foo_7B", 4),
        ("InternLM2.5-7B-Chat", "internlm/internlm2_5-7b-chat", 4),
        ("InternLM2.5-Chat-7B", "internlm/internlm2_5-7b-chat", 4),
        ("OpenLLaMA 7Bv2", "x/open_llama_7b_v2", 4),
        ("Foo 7B Inst.", "acme/Foo-7B-Instruct", 4),
        ("Foo 7B IT", "acme/Foo-7B-Instruct", 4),
        ("Foo-7B (pretrained)", "acme/Foo-7B-Base", 4),
        ("acme/Foo-7B", "acme/Foo-7B", 3),
        ("Foo-7B (ours)", "acme/Foo-7B", 3),
        ("Foo-7B bf16", "acme/Foo-7B", 4),
        ("Meta Foo 7B", "acme/Foo-7B", 3),
        ("Foo-4 (14B)", "acme/Foo-4", 3),
        ("Foo-7B (thinking)", "acme/Foo-7B", 0),
        ("Ours", "acme/Foo-7B", 2),
        ("Foo-7B-Base", "acme/Foo-7B", 3),
        # another model
        ("Foo-7B", "acme/Foo-13B", None),
        ("Foo-7B-Instruct", "acme/Foo-7B", None),
        ("Foo-7B", "acme/Foo-7B-Instruct", None),
        ("Foo-7B-Chat", "acme/Foo-7B-Instruct", None),
        ("Foo-7B-Int4", "acme/Foo-7B", None),
        ("Foo-7B-GGUF", "acme/Foo-7B", None),
        ("Foo-7B", "acme/Foo-7B-AWQ", None),
        ("Foo-Distill-Qwen-7B", "acme/Foo", None),
        ("Foo", "acme/Foo-Distill-Qwen-7B", None),
        ("Foo2-7B", "acme/Foo-7B", None),
        ("Foo-7B", "acme/Foo2-7B", None),
        ("Foo-7B-step-50k", "acme/Foo-7B", None),
        ("Foo-40k", "acme/Foo-80k", None),
        ("Foo-VL-7B", "acme/Foo-7B", None),
        ("Foo-7B", "acme/Foo-VL-7B", None),
        ("Foo-7B", "acme/Foo-7B-0528", None),
        ("Fooo-7B", "acme/Foo-7B", None),
        ("7B", "acme/Foo-7B", None),
        ("Base", "acme/Foo-7B-Base", None),
    ],
)
def test_name_rule(label, repo_id, level):
    card = manager.Card("", "", [])
    context = manager.Context((), (), "", card, manager.Table(1, "pipe", [], 0))
    fit = manager.fit_name(label, manager.ModelName.of(repo_id), context)
    assert (fit and fit.level) == level


MODELS = "Benchmark | {} | Bar 7B\nMMLU | 61.5 | 40.0\nGSM8K | 52.1 | 39.0"


def headed(heading: str, label: str, more: str = "") -> str:
    return f"# Foo\n\n{more}\n\n### {heading}\n\n" + table(*MODELS.format(label).split("\n")).removeprefix(
        "## Evaluation\n"
    )


@pytest.mark.parametrize(
    ("heading", "repo_id", "status"),
    [
        ("Instruction-tuned models", "acme/Foo-7B-Instruct", "found"),
        ("Base models", "acme/Foo-7B-Instruct", "absent"),
        ("Results", "acme/Foo-7B-Instruct", "absent"),
        ("Base models", "acme/Foo-7B-Base", "found"),
        ("Chat models", "acme/Foo-7B-Base", "absent"),
        ("Base models", "acme/Foo-7B", "found"),
        ("Chat model", "acme/Foo-7B", "found"),
    ],
)
def test_heading_tells_base_from_tuned(heading, repo_id, status):
    assert only(headed(heading, "Foo 7B"), repo_id).status == status


def test_unmarked_name_means_what_the_card_does_not_call_by_name():
    chat = headed("Base models", "Foo 7B", "We release Foo-7B-Base and Foo-7B.")
    assert only(chat, "acme/Foo-7B").status == "absent"
    base = headed("Chat models", "Foo 7B", "We release Foo-7B-Chat and Foo-7B.")
    assert only(base, "acme/Foo-7B").status == "absent"


def test_size_may_be_left_out_only_when_the_card_has_one():
    assert only(headed("Results", "Foo"), "acme/Foo-7B").status == "found"
    assert only(headed("Results", "Foo", "Foo-7B and Foo-13B are here."), "acme/Foo-7B").status == "absent"


def test_two_modes_are_undecided():
    text = table("Benchmark | Foo-7B Thinking | Foo-7B Non-Thinking", "MMLU | 80.1 | 70.2")
    reading = only(text)
    assert reading.status == "ambiguous"
    assert [target.index for target in reading.targets] == [1, 2]


def test_the_same_label_twice_is_undecided():
    reading = only(table("Model | MMLU", "Foo-7B | 80.1", "Foo-7B | 70.2"))
    assert (reading.status, reading.scores) == ("ambiguous", [])


def test_a_quantized_row_is_not_the_model():
    reading = only(table("Model | Precision | MMLU", "Foo-7B | BF16 | 80.1", "Foo-7B | INT4 | 70.2"))
    assert pairs(reading) == [("MMLU", 80.1)]


def test_a_size_beside_another_family_is_not_the_model():
    text = "# Foo\n\n" + table("Model | Size | MMLU", "Foo | 7B | 80.1", "Zed | 7B | 70.2", "Foo | 13B | 85.0")
    reading = only(text)
    assert pairs(reading) == [("MMLU", 80.1)]


def test_a_linked_name_is_that_model():
    text = "# {0}\n\nMade from [acme/Foo-7B-Instruct](https://huggingface.co/acme/Foo-7B-Instruct).\n\n" + table(
        "Benchmark | Foo-7B-Instruct | Bar-7B", "MMLU | 61.5 | 40.0"
    )
    for name in ("Foo-7B-Instruct-v2", "Foo-2-7B-Instruct", "Foo-1.5-7B-Instruct", "Small-Foo-7B-Instruct"):
        assert only(text.replace("{0}", name), f"acme/{name}").status == "absent", name
    for name in ("Foo-7B-Instruct-1M", "Foo-7B-Instruct-2411", "Foo-7B-Instruct-DPO", "Foo-7B-Instruct-GGUF"):
        assert only(text.replace("{0}", name), f"acme/{name}").status == "absent", name
    assert only(text.replace("{0}", "Foo-7B-Instruct"), "acme/Foo-7B-Instruct").status == "found"


def test_a_family_s_repository_is_no_model():
    text = "# Foo\n\nCode: https://github.com/acme/Foo\n\n" + table("Model | MMLU", "Foo | 61.5", "Bar | 1")
    assert pairs(only(text, "acme/Foo-7B")) == [("MMLU", 61.5)]


def test_a_name_may_leave_out_its_first_word_but_not_begin_another_family():
    small = "# Foo-Small-8B\n\n" + table("Model | MMLU", "Small 8B | 61.5", "Zed 8B | 40.0")
    assert pairs(only(small, "acme/Foo-Small-8B")) == [("MMLU", 61.5)]
    made_from_llama = "# Foo-Llama-3-8B\n\n" + table("Model | MMLU", "Llama-3-8B | 61.5", "Zed 8B | 40.0")
    assert only(made_from_llama, "acme/Foo-Llama-3-8B").status == "absent"


def test_a_date_may_be_left_out_when_the_title_says_it():
    body = table("Model | MMLU", "Foo 7B Instruct | 61.5", "Bar 7B | 40.0")
    assert only("# Foo-7B-Instruct-2410\n\n" + body, "acme/Foo-7B-Instruct-2410").status == "found"
    assert only("# Foo\n\n" + body, "acme/Foo-7B-Instruct-2410").status == "absent"
    linked = "# Foo-7B-Instruct-2410\n\nIts older sister is acme/Foo-7B-Instruct-2402.\n\n" + body
    assert only(linked, "acme/Foo-7B-Instruct-2410").status == "absent"
    other = "# Foo-7B-Instruct-2410\n\n" + body + "| Foo 7B Instruct 2402 | 50.0 |\n"
    assert only(other, "acme/Foo-7B-Instruct-2410").status == "absent"


def test_an_unmarked_name_under_modes_to_think_in_is_the_tuned_model():
    text = headed("Base pre-trained model", "Foo 7B") + headed("Instruction model", "Foo 7B").replace("# Foo\n", "")
    assert [reading.status for reading in read(text)] == ["found", "absent"]
    text = text.replace("### Instruction model", "### Instruction model\n\n#### Extended thinking")
    assert [reading.status for reading in read(text)] == ["absent", "found"]


@pytest.mark.parametrize(
    "ours", ["ours", "우리 모델", "本モデル", "本模型", "我们的模型", "unser Modell", "notre modèle"]
)
def test_ours_in_other_languages(ours):
    reading = only(table("Model | MMLU", f"**Foo-7B ({ours})** | 61.5", "Bar-7B | 40.0"))
    assert pairs(reading) == [("MMLU", 61.5)]
    assert pairs(only(table("Model | MMLU", f"{ours} | 61.5", "Bar-7B | 40.0"))) == [("MMLU", 61.5)]


def test_a_part_of_a_model_is_not_the_model():
    text = "# Zed\n\n" + table(
        "Method | LLM | GQA | POPE", "Zed | Foo-7B | 61.5 | 85.0", "Zed | Foo-13B | 63.5 | 86.0", "Ace | Bar-7B | 1 | 2"
    )
    assert only(text).status == "absent"
    assert pairs(only(text, "acme/Zed-13B")) == [("GQA", 63.5), ("POPE", 86)]


def test_what_an_original_card_says_is_not_about_this_model():
    scores = table("Metric | Value", "MMLU | 61.5", "GSM8K | 40.0")
    assert only("# Foo-7B\n\n" + scores).status == "found"
    assert only("# Foo-7B\n\n# Original model card: Bar\n\n# Results\n\n" + scores).status == "absent"
    front = "---\nbase_model: acme/Foo-7B\n---\n"
    assert only(front + "# Foo 7B\n\n" + scores, "zed/Foo-7B-Medical").status == "absent"


def test_a_metric_column_that_holds_benchmarks_names_the_rows():
    text = table(
        "Category | Metric | Foo-7B | Bar-7B",
        "Competition math | AIME 2025 | 9.3 | 2.9",
        "School math | GSM8K | 72 | 74",
    )
    assert pairs(only(text)) == [("AIME 2025", 9.3), ("GSM8K", 72)]


def test_a_blank_label_under_a_new_group_is_not_the_label_above():
    text = table(
        "Category | Benchmark | Foo-7B | Bar-7B",
        "Math | GSM8K | 88.7 | 84.2",
        "| MATH | 59.5 | 31.2",
        "**Average** | | 69.2 | 61.3",
    )
    assert pairs(only(text)) == [("GSM8K", 88.7), ("MATH", 59.5), ("Average", 69.2)]
    rows = table("Model | Variant | MMLU", "Foo-7B | Chat | 61.5", "Bar-7B | | 40.0")
    assert pairs(only(rows, "acme/Bar-7B")) == [("MMLU", 40)]


def test_columns_that_the_card_lists_as_datasets_are_all_this_model():
    text = "* Datasets: `dim_768` and `dim_512`\n* Evaluated with an evaluator\n\n" + table(
        "Metric | dim_768 | dim_512", "map | 0.7 | 0.6", "**ndcg@10** | **0.8** | 0.75"
    ).removeprefix("## Evaluation\n\n")
    names = [("map (dim_768)", 0.7), ("map (dim_512)", 0.6), ("ndcg@10 (dim_768)", 0.8), ("ndcg@10 (dim_512)", 0.75)]
    assert pairs(only(text)) == names
    assert only(text.replace("`dim_512`", "`other`")).status == "absent"


def test_only_the_last_of_several_brackets_is_the_metric():
    found = manager.split_label("LiveCodeBench (2408-2505) (Pass@1)", brackets_are_metrics=True)
    assert (found.name, found.metric) == ("LiveCodeBench (2408-2505)", "Pass@1")


@pytest.mark.parametrize(
    "head", ["img_size", "param_count", "samples_per_sec", "macts", "Rel. Latency", "Votes", "Model dim", "Res."]
)
def test_further_facts(head):
    assert manager.is_fact(head)
    assert not manager.is_fact("dim_768")


def test_a_language_is_no_model():
    text = "# Foo-1B-all-swahili\n\n" + table("Language | WER | CER", "Swahili | 18.3 | 5.2", "Sheng | 33.9 | 11.0")
    found = only(text, "acme/Foo-1B-all-swahili")
    assert [score.benchmark for score in found.scores] == ["Swahili", "Swahili", "Sheng", "Sheng"]


def test_accents_greek_letters_and_a_licence_s_llama():
    rows = table("Model | MMLU", "Foo-7b-α | 60.1", "**Foo-7b-β** 🪁 | 61.5")
    assert pairs(only(rows, "acme/foo-7b-beta")) == [("MMLU", 61.5)]
    accents = "# Llama-3.1-Tulu-3-8B\n\n" + table("Benchmark | Tülu 3 SFT 8B | Tülu 3 8B", "MMLU | 60.1 | 61.5")
    assert pairs(only(accents, "acme/Llama-3.1-Tulu-3-8B")) == [("MMLU", 61.5)]


def test_settings_in_the_model_s_own_label_tell_its_scores_apart():
    found = only(table("Model | MATH | GSM8K", "Foo-7B | 75.1 | 89.9", "Foo-7B (Maj@8) | 80.2 | 93.0"))
    assert [(s.benchmark, s.value, s.metric) for s in found.scores] == [
        ("MATH", 75.1, None), ("GSM8K", 89.9, None), ("MATH", 80.2, "Maj@8"), ("GSM8K", 93, "Maj@8")
    ]  # fmt: skip


def test_a_header_row_of_metrics_in_brackets():
    found = only(table("Dataset | LAMBADA | LAMBADA | PTB", "(metric) | (PPL) | (ACC) | (BPC)", " | 35.1 | 45.9 | 1.2"))
    assert [(s.benchmark, s.value, s.metric) for s in found.scores] == [
        ("LAMBADA", 35.1, "PPL"), ("LAMBADA", 45.9, "ACC"), ("PTB", 1.2, "BPC")
    ]  # fmt: skip


def test_the_heading_s_benchmark_keeps_the_column_s_subset():
    text = table("Model | Accuracy | Accuracy (Chinese)*", "Foo-7B | 32.4 | 28.9").replace("## Evaluation", "## GSM8K")
    assert pairs(only(text)) == [("GSM8K", 32.4), ("GSM8K (Chinese)", 28.9)]


def test_a_repeated_number_counts_twice():
    assert only(table("Model | MMLU", "Foo2-7B | 61.5", "Bar | 1.5"), "acme/Foo2-7B-2").status == "absent"


def test_a_context_length_in_the_text_above_is_not_said_of_a_label():
    text = "## Results\n\nEvaluated with a context of 128K tokens.\n\n" + table(
        "Model | MMLU", "Foo-7B | 61.5", "Bar | 1"
    )
    assert only(text, "acme/Foo-7B-128k").status == "absent"


def test_a_heading_that_is_a_benchmark_makes_an_evaluation_table():
    text = table("model | turn | score", "Foo-7B | 1 | 8.15", "Bar-7B | 1 | 7.9").replace(
        "## Evaluation", "## MT-Bench"
    )
    assert pairs(only(text)) == [("MT-Bench", 8.15)]


def test_a_changed_header_half_way_is_seen():
    text = table("Benchmark | Foo-7B | Bar-7B", "MMLU | 1.5 | 2.5", "Benchmark | Bar-7B | Foo-7B", "GSM8K | 3.5 | 4.5")
    assert pairs(only(text)) == [("MMLU", 1.5), ("GSM8K", 4.5)]


def test_facts_are_no_scores():
    text = table(
        "Model | Params | MMLU | Context length | Tokens | GPU hours | Latency (ms) | Release date | Rank | GSM8K",
        "Foo-7B | 7 | 61.5 | 4096 | 2000 | 184320 | 12.5 | 2024 | 3 | 52.1",
        "Bar-7B | 7 | 60.5 | 4096 | 2000 | 184320 | 12.5 | 2024 | 4 | 50.1",
    )
    assert pairs(only(text)) == [("MMLU", 61.5), ("GSM8K", 52.1)]


@pytest.mark.parametrize(
    "text",
    [
        table("Model | Params | Context length", "Foo-7B | 7.1 | 4096"),
        "## Hardware\n\n"
        + table("Model | GPU memory (GB) | Speed (tokens/s)", "Foo-7B | 14.5 | 31.2").partition("\n\n")[2],
        "## Training\n\n"
        + table("Training Loss | Epoch | Step | Accuracy", "0.5 | 1.0 | 100 | 0.9").partition("\n\n")[2],
        "```\n" + table("Benchmark | Foo-7B", "MMLU | 61.5") + "```\n",
        "<!--\n" + table("Benchmark | Foo-7B", "MMLU | 61.5") + "-->\n",
    ],
)
def test_no_evaluation_table(text):
    assert not any(reading.evaluation for reading in read(text))


def test_tables_are_numbered_as_rendered():
    text = "| a | b |\n|---|---|\n| 1 | 2 |\n\n<table><tr><td>\n\n"
    text += "| Benchmark | Foo-7B |\n|---|---|\n| MMLU | 1.5 |\n\n</td></tr></table>\n"
    readings = read(text + "\n<div><table><tr><td>x</td></tr></table></div>\n")
    assert [(r.table.number, r.table.kind) for r in readings] == [(1, "pipe"), (2, "html"), (3, "pipe"), (4, "html")]
    assert pairs(readings[2]) == [("MMLU", 1.5)]


def test_heading_inside_an_html_block_is_seen():
    text = (
        "### Base models\n<table><tr><th>Benchmark</th><th>Foo 7B</th></tr><tr><td>MMLU</td><td>1.5</td></tr></table>\n"
        "### Instruction tuned models\n"
        "<table><tr><th>Benchmark</th><th>Foo 7B</th></tr><tr><td>MMLU</td><td>2.5</td></tr></table>\n"
    )
    base, tuned = read(text, "acme/Foo-7B-Instruct")
    assert (base.status, pairs(tuned)) == ("absent", [("MMLU", 2.5)])


# --- commands ---


def run(capsys, *words: str) -> tuple[int, str, str]:
    code = manager.main(list(words))
    out = capsys.readouterr()
    return code, out.out, out.err


def test_several_tables_are_undecided(capsys):
    code, out, err = run(capsys, "extract-readme", "--repo-id", LUMEN, "--card", str(EXAMPLE), "--json")
    answer = json.loads(out)
    assert (code, answer["results"]) == (3, [])
    assert "--table 3" in err
    assert "--all-tables" in err


def test_all_tables(capsys):
    code, out, _ = run(capsys, "extract-readme", "--repo-id", LUMEN, "--card", str(EXAMPLE), "--json", "--all-tables")
    answer = json.loads(out)
    assert code == 0
    assert list(answer) == ["repo_id", "tables", "results", "conflicts", "plan"]
    assert list(answer["results"][0]) == list(manager.SCORE_KEYS)
    first = answer["results"][0]
    assert (first["benchmark"], first["value"], first["key"]) == ("MMLU", 66.2, "mmlu")
    assert {r["metric"] for r in answer["results"] if r["table"] == 4} == {"prompt-strict", "inst-strict"}


def test_yaml_and_output(capsys, tmp_path):
    target = tmp_path / "scores.yaml"
    words = ["extract-readme", "--repo-id", LUMEN, "--card", str(EXAMPLE), "--table", "3", "--output", str(target)]
    code, out, _ = run(capsys, *words)
    index = yaml.safe_load(target.read_text(encoding="utf-8"))["model-index"][0]
    assert (code, out, index["name"]) == (0, "", "Lumen-7B-Instruct")
    assert [result["metrics"][0]["value"] for result in index["results"]] == [66.2, 38.4, 77.3, 58.5]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--table", "1"], 1, "no evaluation table"),
        (["--table", "2"], 1, "Lumen-3B, Lumen-7B"),
        (["--table", "9"], 2, "no table 9"),
        (["--table", "3", "--model-column-index", "99"], 2, "no column 99"),
        (["--table", "3", "--model-name-override", "Lumen 9B"], 1, "Lumen 3B"),
    ],
)
def test_refusals(capsys, words, code, said):
    found, out, err = run(capsys, "extract-readme", "--repo-id", LUMEN, "--card", str(EXAMPLE), "--json", *words)
    assert (found, said in err) == (code, True), err
    assert (out == "") == (code == 2)
    assert not out or json.loads(out)["results"] == []


@pytest.mark.parametrize(
    ("words", "values"),
    [
        (["--table", "3", "--model-column-index", "2"], [58.0, 27.9, 61.0, 40.2]),
        (["--table", "2", "--model-name-override", "**Lumen-7B**"], [63.4, 52.9]),
        (["--table", "4", "--model-row-index", "0"], [58.1, 66.0]),
        (["--table", "4", "--model-name-override", "Lumen-3B-Instruct"], [58.1, 66.0]),
        (["--table", "3", "--table", "4"], [66.2, 38.4, 77.3, 58.5, 69.3, 77.5]),
    ],
)
def test_choices(capsys, words, values):
    code, out, _ = run(capsys, "extract-readme", "--repo-id", LUMEN, "--card", str(EXAMPLE), "--json", *words)
    assert (code, [r["value"] for r in json.loads(out)["results"]]) == (0, values)


def test_conflicts_are_kept(capsys, tmp_path):
    card = tmp_path / "README.md"
    card.write_text(
        table("Benchmark | Foo-7B", "MMLU | 1.5") + table("Benchmark | Foo-7B", "MMLU | 2.5"), encoding="utf-8"
    )
    code, out, err = run(
        capsys, "extract-readme", "--repo-id", "acme/Foo-7B", "--card", str(card), "--all-tables", "--json"
    )
    answer = json.loads(out)
    assert (code, [r["value"] for r in answer["results"]]) == (0, [1.5, 2.5])
    assert [value["value"] for value in answer["conflicts"][0]["values"]] == [1.5, 2.5]
    assert "conflict: MMLU" in err


def test_force_table(capsys, tmp_path):
    card = tmp_path / "README.md"
    card.write_text("| thing | Foo-7B | Bar-7B |\n|---|---|---|\n| some | 3 | 4 |\n", encoding="utf-8")
    words = ["extract-readme", "--repo-id", "acme/Foo-7B", "--card", str(card), "--table", "1", "--json"]
    assert run(capsys, *words)[0] == 1
    code, out, _ = run(capsys, *words, "--force-table")
    assert (code, [r["value"] for r in json.loads(out)["results"]]) == (0, [3])


def test_inspect(capsys):
    code, out, _ = run(capsys, "inspect-tables", "--repo-id", LUMEN, "--card", str(EXAMPLE), "--json")
    tables = json.loads(out)["tables"]
    assert (code, [t["evaluation"] for t in tables]) == (0, [False, True, True, True])
    assert tables[2]["targets"][0]["index"] == 3
    code, out, _ = run(capsys, "inspect-tables", "--repo-id", LUMEN, "--card", str(EXAMPLE))
    assert "column 3 'Lumen 7B'" in out
    assert "--table 3" in out


def test_inspect_without_a_model(capsys):
    code, out, _ = run(capsys, "inspect-tables", "--card", str(EXAMPLE), "--json")
    assert (code, len(json.loads(out)["tables"])) == (0, 4)


def test_not_utf8_is_said(capsys, tmp_path):
    card = tmp_path / "README.md"
    card.write_bytes(table("Benchmark | Foo-7B", "MMLU | 1.5").encode() + b"\xff\xfe")
    code, _, err = run(capsys, "extract-readme", "--repo-id", "acme/Foo-7B", "--card", str(card))
    assert (code, "not UTF-8" in err) == (0, True)


def test_no_card(capsys, tmp_path):
    code, out, err = run(capsys, "extract-readme", "--repo-id", "acme/Foo-7B", "--card", str(tmp_path / "none.md"))
    assert (code, out, "none.md" in err) == (2, "", True)


def test_without_vocabulary(capsys, monkeypatch):
    monkeypatch.setattr(manager, "__file__", str(ROOT / "tests" / "fixtures" / "evaluation_manager.py"))
    words = ["extract-readme", "--repo-id", LUMEN, "--card", str(EXAMPLE), "--all-tables", "--json"]
    code, out, err = run(capsys, *words)
    assert (code, {r["key"] for r in json.loads(out)["results"]}) == (0, {None})
    assert "metric_mapping.json" in err


def test_version(capsys):
    with pytest.raises(SystemExit) as stop:
        manager.main(["--version"])
    assert (stop.value.code, manager.VERSION in capsys.readouterr().out) == (0, True)


def test_help_is_light():
    script = ROOT / "scripts" / "evaluation_manager.py"
    started = time.perf_counter()
    done = subprocess.run([sys.executable, str(script), "--help"], capture_output=True, text=True, check=False)
    assert (done.returncode, time.perf_counter() - started < 2) == (0, True)
    heavy = "{'lxml', 'markdown_it', 'rich', 'yaml', 'huggingface_hub'}"
    code = f"import sys, evaluation_manager; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=script.parent, check=True)
    assert done.stdout.strip() == "set()"


# --- the Hub ---

CARD = "# Foo\n\n" + table("Benchmark | Foo-7B | Bar-7B", "MMLU | 61.5 | 60.0")


def test_reads_from_the_hub(hub, capsys):
    hub.create_repo("acme/Foo-7B", files={"README.md": CARD})
    code, out, _ = run(capsys, "extract-readme", "--repo-id", "acme/Foo-7B", "--json")
    assert (code, [r["value"] for r in json.loads(out)["results"]]) == (0, [61.5])


def test_hub_failures_are_one_line(hub, capsys, monkeypatch):
    hub.create_repo("acme/gated", files={"README.md": CARD}, gated="manual", allowed=["friend"])
    hub.create_repo("acme/secret", files={"README.md": CARD}, private=True)
    hub.create_repo("acme/empty", files={"config.json": "{}"})
    monkeypatch.setenv("HF_TOKEN", hub.add_user("stranger"))
    for repo_id, said in [
        ("acme/gated", "gated: a token of an account with access is needed"),
        ("acme/secret", "a token with access is needed"),
        ("acme/none", "does not exist"),
        ("acme/empty", "acme/empty has no README.md"),
        ("a b", "OWNER/NAME"),
    ]:
        code, out, err = run(capsys, "inspect-tables", "--repo-id", repo_id)
        assert (code, out, said in err, err.count("\n")) == (2, "", True, 1), err
    assert os.environ["HF_TOKEN"] not in err


def test_hub_revision(hub, capsys):
    hub.create_repo("acme/Foo-7B", files={"README.md": CARD})
    code, out, err = run(capsys, "extract-readme", "--repo-id", "acme/Foo-7B", "--revision", "refs/pr/9")
    assert (code, out, "refs/pr/9" in err) == (2, "", True)
    code, out, _ = run(capsys, "extract-readme", "--repo-id", "acme/Foo-7B", "--revision", "main")
    assert (code, "61.5" in out) == (0, True)


# --- properties ---

NAMES = ["Foo-7B", "Bar-13B", "Zed-70B", "Qux-1B"]
BENCHMARKS = ["MMLU", "GSM8K", "HumanEval", "BBH", "My Own Bench"]
MARKUP = st.sampled_from(["{}", "**{}**", "<b>{}</b>", "{}*", "*{}*", "<u>{}</u>", "${}$", "{}%", "`{}`"])


@st.composite
def grids(draw):
    names = draw(st.permutations(NAMES))[: draw(st.integers(2, 4))]
    if "Foo-7B" not in names:
        names[0] = "Foo-7B"
    benchmarks = draw(st.lists(st.sampled_from(BENCHMARKS), min_size=1, max_size=5, unique=True))
    numbers = st.decimals(0, 100, places=2).map(lambda d: float(d))
    values = {(b, n): draw(numbers) for b in benchmarks for n in names}
    markup = {place: draw(MARKUP) for place in values}
    return names, benchmarks, values, markup


def cell(value: float, markup: str) -> str:
    return markup.format(f"{value:.2f}")


def as_pipe(grid, transposed: bool) -> str:
    names, benchmarks, values, markup = grid
    if transposed:
        rows = [[n, *(cell(values[b, n], markup[b, n]) for b in benchmarks)] for n in names]
        return table(" | ".join(["Model", *benchmarks]), *(" | ".join(row) for row in rows))
    rows = [[b, *(cell(values[b, n], markup[b, n]) for n in names)] for b in benchmarks]
    return table(" | ".join(["Benchmark", *names]), *(" | ".join(row) for row in rows))


def as_html(grid, grouped: bool) -> str:
    names, benchmarks, values, markup = grid
    head = "".join(f"<th>{name}</th>" for name in names)
    head = f"<tr>{'<th>Category</th>' if grouped else ''}<th>Benchmark</th>{head}</tr>"
    body = ""
    for number, benchmark in enumerate(benchmarks):
        group = f'<td rowspan="{len(benchmarks)}">General</td>' if grouped and not number else ""
        cells = "".join(f"<td>{cell(values[benchmark, n], markup[benchmark, n])}" for n in names)
        body += f"<tr>{group}<td>{benchmark}{cells}</tr>"
    return f"## Evaluation\n\n<table>{head}{body}</table>\n"


@settings(max_examples=120, deadline=None)
@given(grid=grids(), flag=st.booleans(), html=st.booleans())
def test_a_rendered_grid_is_read_back(grid, flag, html):
    _, benchmarks, values, _ = grid
    text = as_html(grid, flag) if html else as_pipe(grid, flag)
    wanted = [(b, values[b, "Foo-7B"]) for b in benchmarks]
    assert pairs(only(text)) == wanted


PIECES = [
    "|",
    "---",
    "\n",
    "\n\n",
    "<table>",
    "</table>",
    "<tr>",
    "<td>",
    "<th rowspan=3>",
    "<td colspan=4>",
    "**",
    "$",
    "[^1]",
    "](",
    "`",
]
PIECES += [
    "<!--",
    "-->",
    "# ",
    "MMLU",
    "Foo-7B",
    "1.5",
    "85,2",
    "<sup>",
    "&nbsp;",
    "\\",
    "\x00",
    "\r",
    "é",
    "<",
    ">",
    "---\n",
    "```",
]


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from(PIECES), max_size=80).map("".join))
def test_any_text_is_read_without_a_crash(text):
    manager.read_tables(manager.parse_card(text), "acme/Foo-7B", VOCABULARY, {})


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_damaged_card_is_read_without_a_crash(data):
    cards = sorted(CARDS.glob("*.md"))
    text = data.draw(st.sampled_from(cards)).read_text(encoding="utf-8")
    for _ in range(data.draw(st.integers(1, 6))):
        at, length = data.draw(st.integers(0, len(text))), data.draw(st.integers(0, 30))
        text = text[:at] + data.draw(st.sampled_from(PIECES)) + text[at + length :]
    manager.read_tables(manager.parse_card(text), "acme/Foo-7B", VOCABULARY, {})


# --- hostile cards ---


@pytest.mark.parametrize(
    "text",
    [
        "<table><tr><td>" * 100_000,
        "<div><b>" * 200_000,
        "|" + "a|" * 20_000 + "\n|" + "-|" * 20_000 + "\n|" + "1|" * 20_000 + "\n",
        "[*_`<sup>$" * 300_000,
        "| a | b |\n|---|---|\n| x | " + "[*_`<sup>$(" * 100_000 + " |\n",
        "<table><tr><td>a<td colspan=1000000 rowspan=1000000>1</table>" * 50,
        "<table>" + "<tr><td rowspan=65534 colspan=1000>1</td></tr>" * 3000 + "</table>",
        "---\n" + "a: &a [*a]\n" * 10_000,
        "> " * 5_000 + "| a |\n",
    ],
    ids=["nested", "unclosed", "wide", "line", "cell", "spans", "bomb", "front-matter", "quotes"],
)
def test_hostile_card_ends_soon(text):
    started = time.perf_counter()
    try:
        manager.read_tables(manager.parse_card(text), "acme/Foo-7B", VOCABULARY, {})
    except manager.ScriptError as error:
        assert "nothing is taken" in str(error)
    assert time.perf_counter() - started < 10


def test_deep_tables_are_refused_not_cut():
    with pytest.raises(manager.ScriptError, match="nested too deep"):
        read("<table><tr><td>" * 3000)
    readings = read(
        "<table><tr><td>" * 120 + "</td></tr></table>" * 120 + "\n\n" + table("Benchmark | Foo-7B", "MMLU | 1.5")
    )
    assert (len(readings), pairs(readings[-1])) == (121, [("MMLU", 1.5)])


def test_two_thousand_rows():
    rows = [f"bench {number} | {number / 100:.2f} | 1.5" for number in range(2000)]
    started = time.perf_counter()
    reading = only(table("Benchmark | Foo-7B | Bar-7B", *rows))
    assert (len(reading.scores), reading.scores[-1].value) == (2000, 19.99)
    assert time.perf_counter() - started < 5
