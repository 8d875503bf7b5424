"""evaluation_manager.py: reading the evaluation tables of model cards."""

from __future__ import annotations

import json
import os
import re
import shutil
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
from thoroughness import examples

ROOT = Path(__file__).resolve().parents[1]
CARDS = Path(__file__).with_name("fixtures") / "cards"
SHARED = Path(__file__).parents[2] / "shared" / "model_cards"
EXAMPLE = ROOT / "examples" / "cards" / "lumen-7b.md"
LUMEN = "acme/Lumen-7B-Instruct"
CASES = Path(__file__).parents[2] / "shared" / "cases" / "cards"
VOCABULARY = manager.build_vocabulary(manager.read_json(ROOT / "metric_mapping.json"))


def read(text: str, repo_id: str = "acme/Foo-7B") -> list[manager.TableReading]:
    return manager.read_tables(manager.parse_card(text), repo_id, VOCABULARY)


def pairs(reading: manager.TableReading) -> list[tuple[str, float]]:
    return [(score.benchmark, score.value) for score in reading.scores]


def table(*rows: str) -> str:
    columns = rows[0].count("|") + 1
    lines = [f"| {rows[0]} |", "|" + "---|" * columns, *(f"| {row} |" for row in rows[1:])]
    return "## Evaluation\n\n" + "\n".join(lines) + "\n"


def only(text: str, repo_id: str = "acme/Foo-7B") -> manager.TableReading:
    (reading,) = read(text, repo_id)
    return reading


# --- labelled cards ---


@pytest.mark.parametrize("card", sorted(CARDS.glob("*.md")), ids=lambda path: path.stem)
def test_fixture_card_alone_is_certain_or_asked(card, capsys):
    tally = score_cards.score_card(card, verbose=True)
    out = capsys.readouterr().out
    assert (tally.wrong_model, tally.no_evaluation, tally.taken - tally.right) == (0, 0, 0), out


@pytest.mark.parametrize("card", sorted(CARDS.glob("*.md")), ids=lambda path: path.stem)
def test_fixture_card_with_a_selection_is_whole(card, capsys):
    tally = score_cards.score_card(card, verbose=True, by_hand=True)
    out = capsys.readouterr().out
    assert (tally.f1, tally.wrong_model, tally.no_evaluation) == (1, 0, 0), out


@pytest.mark.skipif(not SHARED.is_dir(), reason="the development cards (../shared/model_cards) are not here")
def test_development_cards(capsys):
    assert score_cards.main([str(SHARED)]) == 0, capsys.readouterr().out
    alone = capsys.readouterr().out.partition("with selections")[0]
    assert float(re.search(r"recall ([\d.]+)[^\n]*\Z", alone.strip())[1]) >= 0.85, alone


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
        ("67.2 (68.0)", [67.2, 68.0]),
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


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("84.0 / 85.1", [84.0, 85.1]),
        ("84.0/85.1/86", [84.0, 85.1, 86]),
        ("2.1 | - | 3", [2.1, None, 3]),
        ("1\n2", [1, 2]),
        ("85.2\n(5-shot)", [85.2]),
        ("-", []),
        ("7B / 13B", []),
        ("v1 | 2", []),
    ],
)
def test_a_divided_cell_has_as_many_values(text, numbers):
    assert [value and value.numbers[0] for value in manager.cell_values(text)] == numbers


@pytest.mark.parametrize(
    ("text", "number", "parts"),
    [
        ("VoiceBench: A | B", 2, ["VoiceBench: A", "VoiceBench: B"]),
        ("τ²-bench (retail / airline)", 2, ["τ²-bench (retail)", "τ²-bench (airline)"]),
        ("MTOB (half book) en->kgv/kgv->en", 2, ["MTOB (half book) en->kgv", "MTOB (half book) kgv->en"]),
        ("AIME 2024\nMATH", 2, ["AIME 2024", "MATH"]),
        ("EM/F1", 2, ["EM", "F1"]),
        ("TED-LIUM dev / test", 2, None),
        ("AIME24/25", 2, None),
        ("Test (0/few-shot)", 2, ["Test (0-shot)", "Test (few-shot)"]),
        ("CoVoST2\nes-en | fr-en | it-en |", 3, ["CoVoST2 es-en", "CoVoST2 fr-en", "CoVoST2 it-en"]),
        ("MMLU", 2, None),
        ("A/B", 3, None),
    ],
)
def test_a_label_is_divided_only_into_names(text, number, parts):
    assert manager.divided(text, number) == parts


def test_decimal_comma_is_decided_per_table():
    german = only(table("Modell | MMLU | Codeforces", "Foo-7B | 85,2 | 1.103", "Bar-7B | 51,0 | 1.001"))
    assert pairs(german) == [("MMLU", 85.2), ("Codeforces", 1103)]
    english = only(table("Model | MMLU | Codeforces", "Foo-7B | 85.2 | 1,103"))
    assert pairs(english) == [("MMLU", 85.2), ("Codeforces", 1103)]


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
        ("~~61.2~~ 63.4", "63.4"),
        ("85.2 [3](https://x.y)", "85.2"),
        ("[85.2](https://x.y)", "85.2"),
        ("8\u200b5.1", "85.1"),
        ("８５.２％", "85.2%"),
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
        ("M-LongDoc acc", ("M-LongDoc", None, "acc")),
        ("ASR-EN WER", ("ASR-EN", None, "WER")),
        ("LiveCodeBench (2407-2409 Pass@1)", ("LiveCodeBench (2407-2409)", None, "Pass@1")),
        ("Few-shot Learning", ("Few-shot Learning", None, None)),
        ("LongBench Few-shot Learning", ("LongBench Few-shot Learning", None, None)),
        ("MMLU 5-shot STEM", ("MMLU STEM", "5-shot", None)),
    ],
)
def test_label(text, label):
    found = manager.split_label(text)
    assert (found.name, found.shots, found.metric) == label


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("HLE", None),
        ("HLE (no tools)", None),
        ("HLE w/o tools", None),
        ("HLE without tools", None),
        ("Toolbench", None),
        ("HLE (w/ tools)", "With tools"),
        ("HLE with tools", "With tools"),
        ("HLE (text-only)", "Text only"),
        ("GPQA (thinking)", "Thinking"),
        ("GPQA (non-thinking)", "Non-thinking"),
        ("MMLU-Pro (subset of 1000)", "subset of 1000"),
        ("MMMU (val)", None),
        ("MMLU (5-shot, CoT)", None),
        ("AIME (pass@1, avg of 16)", "avg of 16"),
    ],
)
def test_what_makes_a_variant_is_a_note(text, note):
    assert manager.split_label(text).note == note


# --- names ---


@pytest.mark.parametrize(
    ("label", "repo_id", "relation"),
    [
        ("Foo-7B", "acme/foo-7b", "same"),
        ("foo 7b", "acme/Foo_7B", "same"),
        ("InternLM2.5-Chat-7B", "internlm/internlm2_5-7b-chat", "same"),
        ("OpenLLaMA 7Bv2", "x/open_llama_7b_v2", "same"),
        ("Foo 7B IT", "acme/Foo-7B-Instruct", "same"),
        ("acme/Foo-7B", "acme/Foo-7B", "same"),
        ("Foo-7B (ours)", "acme/Foo-7B", "same"),
        ("Meta Foo 7B", "meta-llama/Foo-7B", "same"),
        ("Meta Foo 7B", "acme/Foo-7B", "owner"),
        ("opus-mt-de-en", "acme/opus-mt-en-de", "mixed"),
        ("Chat Foo 7B", "acme/Foo-7B-Chat", "same"),
        ("+ Foo-7B", "acme/Foo-7B", "mixed"),
        ("Foo-7B+", "acme/Foo-7B", "mixed"),
        ("Foo 7B", "acme/Foo-7b-hf", "same"),
        ("Tülu 3 8B", "acme/Tulu-3-8B", "same"),
        ("Foo-7b-β", "acme/foo-7b-beta", "same"),
        ("Ours", "acme/Foo-7B", "ours"),
        ("本模型", "acme/Foo-7B", "ours"),
        ("우리 모델", "acme/Foo-7B", "ours"),
        ("zed/Foo-7B", "acme/Foo-7B", "owner"),
        # asked
        ("Foo", "acme/Foo-7B", "part"),
        ("Foo-7B", "acme/Foo-7B-Instruct", "part"),
        ("Foo-7B", "acme/Foo-7B-0528", "part"),
        ("Foo-7B", "acme/Foo-VL-7B", "part"),
        ("Moonlight", "acme/Moonlight-16B-A3B", "part"),
        ("Ours (7B)", "acme/Foo-7B", "part"),
        ("Foo PT 9B", "acme/foo-2-9b", "mixed"),
        ("Foo-7B (thinking)", "acme/Foo-7B", "more"),
        ("Foo-7B-Base", "acme/Foo-7B", "more"),
        # another model
        ("Foo-7B", "acme/Foo-13B", "other"),
        ("Foo-7B-Chat", "acme/Foo-7B-Instruct", "other"),
        ("Foo", "acme/Foo-Distill-Qwen-7B", "other"),
        ("Foo-7B", "acme/Foo-7B-AWQ", "other"),
        ("Foo2-7B", "acme/Foo-7B", "more"),
        ("Fooo-7B", "acme/Foo-7B", "other"),
        ("7B", "acme/Foo-7B", "other"),
        ("Foo2-7B", "acme/Foo2-7B-2", "part"),
    ],
)
def test_how_a_label_relates_to_the_name(label, repo_id, relation):
    assert manager.relation_of(label, manager.ModelName.of(repo_id))[0] == relation


@pytest.mark.parametrize("added", ["Instruct", "Chat", "Int4", "AWQ", "1M", "0528", "VL", "8x7B", "Distill", "2"])
def test_a_name_with_more_is_another_model(added):
    text = table(f"Benchmark | Foo-7B-{added} | Bar-13B", "MMLU | 61.5 | 40.0")
    assert (only(text).status, only(text).scores) == ("absent", [])


@pytest.mark.parametrize(
    ("rows", "repo_id", "found"),
    [
        (["Model | Size | MMLU", "Foo | 7B-Chat | 65.1"], "acme/Foo-7B-Chat", [65.1]),
        (["Model | Size | MMLU", "Foo | 7B-Chat | 65.1"], "acme/Foo-7B", []),
        (["Model | Size | Type | MMLU", "Foo | 7B | Instruct | 65.1"], "acme/Foo-7B-Instruct", [65.1]),
        (["Model | Size | MMLU", "Foo | 7B | 65.1", "Foo | 13B | 66.1", "Zed | 7B | 1"], "acme/Foo-7B", [65.1]),
        (["Model | Stage | MMLU", "Foo-7B | SFT | 60.1", "Foo-7B | RL | 65.1"], "acme/Foo-7B", []),
        (["Model | Precision | MMLU", "Foo-7B | INT4 | 60.1"], "acme/Foo-7B", []),
        (["Model | Version | MMLU", "Foo-7B | 1.5 | 60.1"], "acme/Foo-7B", []),
        (["Model | Finetuned | MMLU", "Foo-7B | yes | 60.1"], "acme/Foo-7B", []),
        (["Method | LLM | GQA", "Zed | Foo-7B | 61.5"], "acme/Foo-7B", []),
        (["Model | License | MMLU", "Foo-7B | Llama 2 | 61.5"], "acme/Foo-7B", [61.5]),
    ],
)
def test_what_stands_beside_a_label_belongs_to_the_name(rows, repo_id, found):
    assert [score.value for score in only(table(*rows), repo_id).scores] == found


def placed(text_above: str, label: str = "Foo-7B", more: str = "") -> str:
    return (
        text_above + "\n\n" + table(f"Benchmark | {label} | Bar 7B", "MMLU | 61.5 | 40.0").partition("\n\n")[2] + more
    )


@pytest.mark.parametrize(
    "above",
    [
        "## Chat models",
        "## Instruction-tuned models",
        "## Results\n\nAll of them are fine-tuned models.",
        "### Foo-7B-Instruct",
        "## INT4 quantization",
        "# Original model card: Foo",
        "## Results\n\nThe scores of Foo-7B-Chat:",
        "## Training data",
        "## Inference speed",
        "## Results\n\nAverage number of output tokens:",
        "---\nbase_model: zed/Foo-7B\n---\n## Results",
    ],
)
def test_the_text_around_makes_a_label_less_sure(above):
    reading = only(placed(above))
    assert (reading.status, reading.scores, bool(reading.doubts)) == ("ambiguous", [], True)


@pytest.mark.parametrize(
    "above", ["## Results", "### Foo-7B", "We removed all test items.", "## Instruction following"]
)
def test_other_text_does_not(above):
    assert pairs(only(placed(above))) == [("MMLU", 61.5)]


def test_an_empty_heading_ends_nothing():
    tuned = placed("## Instruction tuned models\n\n##")
    assert (only(tuned).status, only(tuned).table.heading) == ("ambiguous", "Instruction tuned models")


def test_a_caption_below_makes_a_label_less_sure():
    assert only(placed("## Results", more="\n**Table 1: results of the chat models.**\n")).status == "ambiguous"
    assert only(placed("## Results", more="\nChat models:\n")).status == "found"


@pytest.mark.parametrize(
    ("repo_id", "text"),
    [
        ("me/Foo-7B-GGUF", "# Foo-7B-GGUF\n\n" + table("Benchmark | Score", "MMLU | 61")),
        ("me/Foo-7B-GGUF", "# Foo-7B-GGUF\n\n" + table("Benchmark | Ours | Bar", "MMLU | 61 | 4")),
        ("acme/Foo-7B", table("Benchmark | [Foo-7B](https://huggingface.co/acme/Foo-7B-Chat)", "MMLU | 61")),
        ("acme/Foo-7B", "<table><caption>Foo-7B-Chat</caption><tr><th>Task<th>Foo-7B</tr><tr><td>MMLU<td>1</table>"),
        ("acme/Foo-7B", table("Model | Thinking | MMLU", "Foo-7B | yes | 61", "Foo-7B | no | 60")),
        ("acme/Foo-7B", table("vs | Foo-7B | Bar", "Foo-7B | - | 61", "Bar | 39 | -")),
        ("acme/Foo-7B", "# Foo family\n\n" + table("Model | MMLU", "Ours | 61", "Bar | 4")),
    ],
)
def test_what_may_be_another_s_is_asked(repo_id, text):
    reading = read(text, repo_id)[-1]
    assert (reading.status, reading.scores) == ("ambiguous", [])


def test_no_text_makes_a_short_label_certain():
    for above in (
        "# Foo-7B-Instruct",
        "## Instruction-tuned models",
        "## Foo-7B-Instruct\n\nFoo-7B is Foo-7B-Instruct.",
    ):
        assert only(placed(above), "acme/Foo-7B-Instruct").status == "ambiguous"
    assert only(placed("## Base models"), "acme/Foo-7B-Instruct").status == "absent"


def test_an_unmarked_name_under_base_models_is_asked_when_it_may_be_the_tuned_one():
    base = placed("## Base models")
    assert only(base).status == "found"
    assert read(base + placed("## Chat models"))[0].status == "ambiguous"
    named = placed("## Models", "Foo-7B-Base")
    assert read(base + named)[0].status == "ambiguous"


def test_outer_headers_and_layout_tables_belong_to_the_name():
    under = (
        "|  | Base models |  | Instruct models |  |\n|--|--|--|--|--|\n| Benchmark | Foo-7B | Bar | Foo-7B | Bar |\n"
    )
    reading = only("## Results\n\n" + under + "| MMLU | 1 | 2 | 3 | 4 |\n")
    assert (reading.status, [t.index for t in reading.targets]) == ("ambiguous", [1, 3])
    inner = "\n\n| Benchmark | Score |\n|---|---|\n| MMLU | {} |\n\n"
    head = "<table><tr><th>Foo-7B</th><th>Foo-7B-Chat</th></tr>"
    nested = f"{head}<tr><td>{inner.format(1)}</td><td>{inner.format(2)}</td></tr></table>"
    assert not any(reading.scores for reading in read("# Foo-7B\n\n" + nested))


def test_modes_are_asked_and_headings_that_say_them_are_notes():
    columns = only(table("Benchmark | Foo-7B Thinking | Foo-7B Non-Thinking", "MMLU | 80.1 | 70.2"))
    assert (columns.status, [target.index for target in columns.targets]) == ("ambiguous", [1, 2])
    headed = read(placed("### Non-thinking mode") + placed("### Thinking mode"))
    assert [[score.notes for score in reading.scores] for reading in headed] == [["Non-thinking"], ["Thinking"]]


def test_the_same_label_twice_is_asked():
    reading = only(table("Model | MMLU", "Foo-7B | 80.1", "Foo-7B | 70.2"))
    assert (reading.status, reading.scores, len(reading.targets)) == ("ambiguous", [], 2)


def test_a_table_without_a_name_needs_the_name_above_it():
    scores = table("Metric | Value", "MMLU | 61.5", "GSM8K | 40.0")
    assert only("# Foo-7B\n\n" + scores).status == "found"
    for title in (
        "# Foo",
        "# Bar-7B",
        "# Foo-7B-Chat",
        "# Foo-7B\n\n### Foo",
        "# Foo-7B\n\n# Original model card: Bar\n",
    ):
        assert only(f"{title}\n\n" + scores.replace("## Evaluation\n\n", "")).scores == [], title
    sections = table("Task | Score", "Foo-7B |", "MMLU | 1", "Foo-7B-Chat |", "MMLU | 2")
    assert only("# Foo-7B\n\n" + sections).scores == []


def test_a_size_in_its_own_table_is_no_size_of_a_label():
    hours = "# Foo\n\n" + table("Model | GPU hours", "Foo | 5.0M").replace("## Evaluation", "## Training")
    reading = read(hours + table("Benchmark | Bar | Foo", "MMLU | 50.1 | 60.1"))[1]
    assert (reading.status, reading.doubts) == ("ambiguous", ["'Foo' leaves out 7b"])


# --- what is read ---


def test_a_changed_header_half_way_is_seen():
    text = table("Benchmark | Foo-7B | Bar-7B", "MMLU | 1.5 | 2.5", "Benchmark | Bar-7B | Foo-7B", "GSM8K | 3.5 | 4.5")
    assert pairs(only(text)) == [("MMLU", 1.5), ("GSM8K", 4.5)]
    odd = table("Benchmark | Foo-7B | Bar-7B", "MMLU | 1.5 | 2.5", "Part two | Bar-7B | Foo-7B", "GSM8K | 3.5 | 4.5")
    assert only(odd).status == "ambiguous"


def test_facts_are_no_scores():
    text = table(
        "Model | Params | MMLU | Context length | Tokens | GPU hours | Real-Time Factor¹ | Release date | Rank | GSM8K",
        "Foo-7B | 7 | 61.5 | 4096 | 2000 | 184320 | 12.5 | 2024 | 3 | 52.1",
        "Bar-7B | 7 | 60.5 | 4096 | 2000 | 184320 | 12.5 | 2024 | 4 | 50.1",
    )
    assert pairs(only(text)) == [("MMLU", 61.5), ("GSM8K", 52.1)]


def test_a_benchmark_named_as_a_fact_is_one_in_a_list_of_benchmarks():
    rows = ["Capability | Bar-7B | Foo-7B", *(f"{n} | 1 | 2" for n in ("Reasoning", "Knowledge", "Position", "Count"))]
    assert [name for name, _ in pairs(only(table(*rows)))] == ["Reasoning", "Knowledge", "Position", "Count"]
    with_facts = table(*rows, "Context length | 4096 | 4096")
    assert [name for name, _ in pairs(only(with_facts))] == ["Reasoning", "Knowledge"]


def test_a_value_outside_its_range_is_asked_and_the_others_are_read():
    reading = only(table("Benchmark | Foo-7B", "MMLU | 61.5", "LiveCodeBench | 1843", "Codeforces | 1843"))
    assert pairs(reading) == [("MMLU", 61.5), ("Codeforces", 1843)]
    assert [cell.label for cell in reading.open_cells] == ["LiveCodeBench"]


@pytest.mark.parametrize("cell", ["67.2 (68.0)", "4/30", "84.0 → 85.1", "85,2"])
def test_a_cell_that_cannot_be_told_is_asked(cell):
    reading = only(table("Benchmark | Foo-7B | Bar", f"AIME | {cell} | 1.5", "MMLU | 61.5 | 2.5"))
    assert (pairs(reading), [c.text for c in reading.open_cells]) == ([("MMLU", 61.5)], [cell])


def test_averages_carry_what_they_are_of():
    text = "# Foo-7B\n\n" + table("Model | Apps | AVG", "Foo-7B | 1 | 2").replace("Evaluation", "Code retrieval")
    assert pairs(only(text))[1] == ("AVG (Code retrieval)", 2)
    groups = table(
        "Group | Benchmark | Foo-7B", "Math | GSM8K | 1", "| Average | 2", "Code | MBPP | 3", "| Average | 4"
    )
    assert [name for name, _ in pairs(only(groups))] == ["GSM8K", "Average (Math)", "MBPP", "Average (Code)"]


def test_models_named_after_benchmarks_are_models_and_subsets_have_no_other_s_key():
    text = table("Model | GSM8K", "WizardMath-7B | 54", "WizardMath-13B | 63")
    assert only(text, "acme/Foo-7B").names == ["WizardMath-7B", "WizardMath-13B"]
    found = only(table("Benchmark | Foo-7B", "RACE (middle) | 86", "RACE (high) | 83", "MBPP (Sanitized) | 22"))
    assert [score.key for score in found.scores] == [None, "race_high", None]


def test_math_is_a_group_and_the_benchmark_is_written_in_capitals():
    found = only(table("Benchmark | Foo-7B | Bar", "Math | 1 | 2", "MATH | 3 | 4", "MATH (4-shot) | 5 | 6"))
    assert [score.key for score in found.scores] == [None, "math", "math"]


def test_a_harness_table_is_read_as_what_it_is():
    head = "|Tasks|Version|Filter|n-shot|Metric| |Value| |Stderr|\n|---|---|---|---|---|---|---|---|---|\n"
    rows = "|gsm8k|3|flexible-extract|5|exact_match|↑|0.67|±|0.01|\n| | |strict-match|5|exact_match|↑|0.66|±|0.01|\n"
    rows += "|mmlu|2|none| |acc|↑|0.61|±|0.01|\n| - stem|2|none| |acc|↑|0.51|±|0.01|\n"
    rows += "|wikitext|2|none|0|word_perplexity|↓|9.87|±|N/A|\n"
    found = only("# Foo-7B\n\n" + head + rows).scores
    assert [(s.benchmark, s.value, s.shots, s.metric, s.unit) for s in found] == [
        ("gsm8k", 0.67, "5-shot", "exact_match, flexible-extract", "proportion"),
        ("gsm8k", 0.66, "5-shot", "exact_match, strict-match", "proportion"),
        ("mmlu", 0.61, None, "acc", "proportion"),
        ("mmlu stem", 0.51, None, "acc", "proportion"),
        ("wikitext", 9.87, "0-shot", "word_perplexity", None),
    ]


def test_a_header_row_of_metrics_in_brackets():
    text = table("Dataset | LAMBADA | LAMBADA | PTB", "(metric) | (PPL) | (ACC) | (BPC)", " | 35.1 | 45.9 | 1.2")
    found = only("# Foo-7B\n\n" + text)
    assert [(s.benchmark, s.value, s.metric) for s in found.scores] == [
        ("LAMBADA", 35.1, "PPL"), ("LAMBADA", 45.9, "ACC"), ("PTB", 1.2, "BPC")
    ]  # fmt: skip


def test_a_metric_column_that_holds_benchmarks_names_the_rows():
    text = table(
        "Category | Metric | Foo-7B | Bar-7B", "Competition math | AIME 2025 | 9.3 | 2.9", "Math | GSM8K | 7 | 4"
    )
    assert pairs(only(text)) == [("AIME 2025", 9.3), ("GSM8K", 7)]


def test_a_blank_label_under_a_new_group_is_not_the_label_above():
    rows = table("Model | Variant | MMLU", "Foo-7B | Chat | 61.5", "Bar-7B | | 40.0")
    assert pairs(only(rows, "acme/Bar-7B")) == [("MMLU", 40)]


def test_only_the_last_of_several_brackets_is_the_metric():
    found = manager.split_label("LiveCodeBench (2408-2505) (Pass@1)", brackets_are_metrics=True)
    assert (found.name, found.metric) == ("LiveCodeBench (2408-2505)", "Pass@1")


@pytest.mark.parametrize(
    "text",
    [
        table("Model | Params | Context length", "Foo-7B | 7.1 | 4096"),
        "## Performance Benchmark\n\n"
        + table("Hardware | Foo-7B | Bar", "8 x 80G (GBS=128) | 109532 | 121003").partition("\n\n")[2],
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
    assert (base.status, tuned.status, tuned.table.heading) == ("absent", "ambiguous", "Instruction tuned models")


# --- commands ---


def run(capsys, *words: str) -> tuple[int, str, str]:
    code = manager.main(list(words))
    out = capsys.readouterr()
    return code, out.out, out.err


def test_several_tables_are_undecided(capsys, tmp_path):
    card = tmp_path / "README.md"
    card.write_text(table("Benchmark | Foo-7B", "MMLU | 1") + table("Model | GSM8K", "Foo-7B | 2"), encoding="utf-8")
    code, out, err = run(capsys, "extract-readme", "--repo-id", "acme/Foo-7B", "--card", str(card), "--json")
    assert (code, json.loads(out)["results"]) == (3, [])
    assert "--table 1" in err
    assert "--all-tables" in err


def test_an_unsure_table_does_not_keep_back_a_certain_one(capsys):
    code, out, err = run(capsys, "extract-readme", "--repo-id", LUMEN, "--card", str(EXAMPLE), "--json")
    assert (code, [r["value"] for r in json.loads(out)["results"]]) == (3, [69.3, 77.5])
    assert '- {table: 3, column: 3, label: "Lumen 7B"}' in err


def test_all_tables_takes_what_is_certain_and_asks_for_the_rest(capsys):
    code, out, err = run(capsys, "extract-readme", "--repo-id", LUMEN, "--card", str(EXAMPLE), "--json", "--all-tables")
    answer = json.loads(out)
    assert (code, [r["value"] for r in answer["results"]]) == (3, [69.3, 77.5])
    assert {"repo_id", "tables", "results", "conflicts", "plan", "reason", "card_sha256"} <= set(answer)
    assert list(answer["results"][0]) == list(manager.SCORE_KEYS)
    assert {r["metric"] for r in answer["results"]} == {"prompt-strict", "inst-strict"}
    assert answer["tables"][2]["unsure"] == ["'Lumen 7B' leaves out instruct"]
    assert "leaves out instruct" in err


def test_yaml_and_output(capsys, tmp_path):
    target = tmp_path / "scores.yaml"
    words = ["extract-readme", "--repo-id", LUMEN, "--card", str(EXAMPLE), "--table", "3", "--output", str(target)]
    code, out, _ = run(capsys, *words, "--model-column-index", "3")
    index = yaml.safe_load(target.read_text(encoding="utf-8"))["model-index"][0]
    assert (code, out, index["name"]) == (0, "", "Lumen-7B-Instruct")
    assert [result["metrics"][0]["value"] for result in index["results"]] == [66.2, 38.4, 77.3, 58.5]


# --- selections ---


def test_the_draft_is_a_selection_that_reads_what_is_certain(capsys, tmp_path):
    file = tmp_path / "selection.yaml"
    words = ["--repo-id", LUMEN, "--card", str(EXAMPLE)]
    code, _, _ = run(capsys, "inspect-tables", *words, "--draft", "--output", str(file))
    code, out, _ = run(capsys, "extract-readme", *words, "--selection", str(file), "--json")
    assert (code, [r["value"] for r in json.loads(out)["results"]]) == (0, [69.3, 77.5])
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("# - {table: 3", "- {table: 3"), encoding="utf-8")
    code, out, _ = run(capsys, "extract-readme", *words, "--selection", str(file), "--json")
    answer = json.loads(out)
    assert (code, [r["value"] for r in answer["results"]]) == (0, [66.2, 38.4, 77.3, 58.5, 69.3, 77.5])
    assert answer["selected_by_hand"][0] == "table 3, column 3 'Lumen 7B'"
    assert "selected by hand: table 3, column 3 'Lumen 7B'" in answer["plan"]["source"]


def test_a_refusal_s_lines_are_a_selection(capsys, tmp_path):
    words = ["extract-readme", "--repo-id", LUMEN, "--card", str(EXAMPLE), "--all-tables"]
    err = run(capsys, *words)[2]
    file = tmp_path / "selection.yaml"
    file.write_text(err[err.index("readings:") :], encoding="utf-8")
    code, out, _ = run(capsys, *words, "--selection", str(file), "--json")
    assert (code, len(json.loads(out)["results"])) == (0, 6)


@pytest.mark.parametrize(
    ("selection", "said"),
    [
        ("readings: [{table: 3, column: 3, label: Lumen 9B}]", "column 3 is 'Lumen 7B', not 'Lumen 9B'"),
        ("readings: [{table: 3, column: 3}]", "give the label that stands there"),
        ("readings: [{table: 9, column: 3, label: x}]", "from 1 to 4"),
        ("readings: [{table: 3, column: 33, label: x}]", "no column 33"),
        ("readings: [{table: 3, label: x}]", "one of column and row"),
        ("readings: [{table: 3, column: 3, row: 1, label: x}]", "one of column and row"),
        ("readings: [{table: 3, colum: 3, label: x}]", "did you mean column"),
        ("readings: [{table: true, column: 3, label: x}]", "a number"),
        ("readings: [{table: 3, column: 3, label: Lumen 7B, unit: parsec}]", "percent, proportion, points"),
        ("readings: [{table: 3, column: 3, label: Lumen 7B, benchmark: MMLU}]", "mapping"),
        ("readings:", "no list"),
        ("[1]", "no mapping"),
        ("a: &a [*a]", "aliases"),
        ("{", "not valid YAML"),
        ("model: acme/other\nreadings: [{table: 3, leave_out: all}]", "acme/other"),
        ("card_sha256: 00\nreadings: [{table: 3, leave_out: all}]", "another state"),
        ("tables: 3\nreadings: [{table: 3, leave_out: all}]", "unknown key 'tables'"),
    ],
)
def test_a_selection_that_does_not_fit_is_refused(capsys, tmp_path, selection, said):
    file = tmp_path / "selection.yaml"
    file.write_text(selection, encoding="utf-8")
    words = ["extract-readme", "--repo-id", LUMEN, "--card", str(EXAMPLE), "--selection", str(file), "--json"]
    code, out, err = run(capsys, *words)
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert said in err


def test_a_selection_may_say_that_nothing_of_a_card_is_the_models(capsys, tmp_path):
    file = tmp_path / "selection.yaml"
    file.write_text("readings: []", encoding="utf-8")
    code, out, err = run(capsys, "extract-readme", "--repo-id", LUMEN, "--card", str(EXAMPLE), "--selection", str(file))
    assert code == 1 and "its tables are left out by hand" in out + err


def test_a_selection_says_what_a_table_does_not(capsys, tmp_path):
    card, file = tmp_path / "README.md", tmp_path / "selection.yaml"
    card.write_text(
        table("Language | Tiny | Big", "de | 4.1 | 1.1", "fr | 5.2 (6.1) | 2.2", "xx | 3/4 | 1", "Total | 9.9 | 9"),
        encoding="utf-8",
    )
    file.write_text(
        "- {table: 1, column: Tiny, leave_out: [Total], benchmark: {0: LibriSpeech de, xx: [A, B]}, "
        "notes: Beam search, metric: wer, unit: percent, first_number: true}",
        encoding="utf-8",
    )
    words = ["extract-readme", "--repo-id", "acme/murmur", "--card", str(card), "--selection", str(file), "--json"]
    code, out, _ = run(capsys, *words)
    found = [(r["benchmark"], r["value"], r["notes"], r["metric"], r["unit"]) for r in json.loads(out)["results"]]
    said = ("Beam search", "wer", "percent")
    assert (code, found) == (
        0, [("LibriSpeech de", 4.1, *said), ("fr", 5.2, *said), ("A", 3, *said), ("B", 4, *said)]
    )  # fmt: skip


def test_a_table_that_is_not_this_model_s_is_answered(capsys, tmp_path):
    file = tmp_path / "selection.yaml"
    file.write_text("readings: [{table: 3, leave_out: all}]", encoding="utf-8")
    words = ["extract-readme", "--repo-id", LUMEN, "--card", str(EXAMPLE), "--all-tables", "--json"]
    code, out, _ = run(capsys, *words, "--selection", str(file))
    assert (code, [r["value"] for r in json.loads(out)["results"]]) == (0, [69.3, 77.5])


# --- what a card does not say by itself: asked in lines that read no other model's values ---


def extract(capsys, tmp_path, text: str, *words: str, selection: str = "", repo_id: str = "acme/Foo-7B"):
    """Exit code, the answer as JSON, and what stands on stderr."""
    card = tmp_path / "README.md"
    card.write_text(text, encoding="utf-8")
    if selection:
        (tmp_path / "selection.yaml").write_text(selection, encoding="utf-8")
        words = (*words, "--selection", str(tmp_path / "selection.yaml"))
    code, out, err = run(capsys, "extract-readme", "--repo-id", repo_id, "--card", str(card), "--json", *words)
    return code, json.loads(out or "{}"), err


def offered(err: str) -> str:
    return err[err.index("readings:") :]


SIDES = table("Bar models | MMLU | GSM8K | Foo models | MMLU | GSM8K", "Bar-7B | 11.1 | 12.2 | Foo-7B | 61.1 | 62.2")


def test_of_tables_side_by_side_only_the_own_half_is_read(capsys, tmp_path):
    code, answer, err = extract(capsys, tmp_path, SIDES, "--all-tables")
    assert (code, answer["results"], "columns 4, 5 are behind it" in err) == (3, [], True)
    code, answer, _ = extract(capsys, tmp_path, SIDES, "--all-tables", selection=offered(err))
    assert (code, [(r["benchmark"], r["value"]) for r in answer["results"]]) == (0, [("MMLU", 61.1), ("GSM8K", 62.2)])
    both = "card_sha256: " + answer["card_sha256"] + "\nreadings: [{table: 1, row: 0}]"
    code, _, err = extract(capsys, tmp_path, SIDES, selection=both)
    assert (code, "'Bar-7B', 'Foo-7B'" in err) == (2, True)
    code, _, err = extract(capsys, tmp_path, SIDES, selection="[{table: 1, row: 0, label: Foo-7B, columns: [1]}]")
    assert (code, "columns: 1 is none of its columns" in err) == (2, True)


def test_rows_of_a_column_beside_another_are_named_by_their_own_labels():
    text = table("Benchmark | Foo-7B | Benchmark | Foo-7B", "MMLU | 61.1 | GSM8K | 62.2", "BBH | 63.3 | MATH | 64.4")
    assert pairs(only(text)) == [("MMLU", 61.1), ("BBH", 63.3), ("GSM8K", 62.2), ("MATH", 64.4)]


def test_a_column_of_scores_beside_names_of_models_is_not_offered_as_this_model_s(capsys, tmp_path):
    rows = "Small-1.3B | 79.3", "Small-7B | 88.3"
    code, answer, _ = extract(capsys, tmp_path, "# Foo-7B\n\n" + table("Alpaca models | Accuracy", *rows))
    assert (code, answer["tables"][0]["names"]) == (1, ["Small-1.3B", "Small-7B"])
    code, answer, err = extract(capsys, tmp_path, "# Foo-7B\n\n" + table("Which | Accuracy", *rows))
    assert (code, answer["results"], "its labels: Small-1.3B, Small-7B" in err) == (3, [], True)
    assert "\n# - {table: 1, column: 1" in offered(err)
    code, answer, _ = extract(
        capsys, tmp_path, "# Foo-7B\n\n" + table("Which | Accuracy", *rows), selection=offered(err)
    )
    assert (code, answer) == (2, {})  # no line is ready


HALVES = table("Model | MMLU | BBH", "Foo-7B | 44.3 / 45.9 | 42.6", "Bar-7B | 1 / 2 | 3")


def test_a_cell_of_several_values_is_asked_with_the_line_that_names_them(capsys, tmp_path):
    code, answer, err = extract(capsys, tmp_path, HALVES)
    line = '- {table: 1, row: 0, label: "Foo-7B", benchmark: {1: ["…", "…"]}}'
    assert (code, [r["value"] for r in answer["results"]], line in err) == (3, [42.6], True)
    code, _, err = extract(capsys, tmp_path, HALVES, selection=f"readings:\n{line}")
    assert (code, "write the names in place of '…'" in err) == (2, True)
    named = line.replace('"…", "…"', "MMLU (0-shot), MMLU (5-shot)")
    code, answer, _ = extract(capsys, tmp_path, HALVES, selection=f"readings:\n{named}")
    found = [(r["benchmark"], r["shots"], r["value"]) for r in answer["results"]]
    assert (code, found) == (
        0, [("MMLU", "0-shot", 44.3), ("MMLU", "5-shot", 45.9), ("BBH", None, 42.6)]
    )  # fmt: skip


def test_what_was_chosen_stays_in_the_next_question(capsys, tmp_path):
    chosen = "[{table: 1, row: 0, label: Foo-7B, columns: [1], notes: Thinking}]"
    code, _, err = extract(capsys, tmp_path, HALVES, selection=chosen)
    kept = '{table: 1, row: 0, label: "Foo-7B", columns: [1], notes: "Thinking", benchmark: {1: ["…", "…"]}}'
    assert (code, kept in err, "leave_out: [" in err) == (3, True, False)


@pytest.mark.parametrize("words", [(), ("--all-tables",)])
def test_a_table_that_is_left_out_is_answered_with_the_printed_command(capsys, tmp_path, words):
    text = placed("## Chat models") + placed("## Base models")
    chosen = "[{table: 1, leave_out: all}, {table: 2, column: Foo-7B}]"
    code, answer, err = extract(capsys, tmp_path, text, *words, selection=chosen)
    assert (code, len(answer["results"]), "is not in it" in err) == (0, 1, False)
    assert "left out by hand: table 1" in answer["account"]


@pytest.mark.parametrize(
    ("cell", "value"),
    [("52.6 ± 1.5", 52.6), ("52.6 +/- 1.5", 52.6), ("52.6±1.5", 52.6), ("$52.6_{\\pm 1.5}$", 52.6), ("52.6", 52.6)],
)
def test_what_stands_behind_a_plus_minus_is_said_and_not_taken_for_an_error(tmp_path, capsys, cell, value):
    card = tmp_path / "README.md"
    card.write_text(f"| Benchmark | Foo-7B |\n| --- | --- |\n| MMLU | {cell} |\n| GSM8K | 61.0 |\n", encoding="utf-8")
    assert manager.main(["extract-readme", "--card", str(card), "--repo-id", "me/Foo-7B", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert [result["value"] for result in answer["results"]] == [value, 61.0]
    told = [line for line in answer["account"] if "was not (stderr or interval" in line]
    assert len(told) == (cell != "52.6") and all("52.6" in line and "GSM8K" not in line for line in told)


PARTS = table("Benchmark | STEM | Humanities | Average", "C-Eval | 51.2 | 67.8 | 60.6", "CMMLU | 49.5 | 69.3 | 61.8")


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (PARTS, ['row: 0, label: "C-Eval"', 'row: 1, label: "CMMLU"']),
        (table("Precision | C-Eval | MMLU", "bf16 | 60.6 | 62.1", "8bits | 58.5 | 61.0"), ['row: 0, label: "bf16"']),
        (table("Benchmark | bf16 | int8", "MMLU | 60.6 | 60.1", "C-Eval | 58.5 | 58"), ['column: 1, label: "bf16"']),
    ],
)
def test_a_table_without_a_model_s_name_is_asked(capsys, tmp_path, text, lines):
    text = table("Benchmark | Foo-7B", "MMLU | 62.1") + text
    code, answer, err = extract(capsys, tmp_path, text, "--all-tables")
    assert (code, [r["value"] for r in answer["results"]]) == (3, [62.1])
    assert [line for line in offered(err).splitlines()[1:] if "table: 2" in line] == [
        f"- {{table: 2, {line}}}  # if the table is this model's" for line in lines
    ]


def test_a_part_keeps_both_of_its_labels(capsys, tmp_path):
    err = extract(capsys, tmp_path, PARTS)[2]
    code, answer, _ = extract(capsys, tmp_path, PARTS, selection=offered(err))
    assert (code, [r["benchmark"] for r in answer["results"]][:2]) == (0, ["C-Eval STEM", "C-Eval Humanities"])


def test_names_of_models_in_both_places_are_no_question(capsys, tmp_path):
    text = table("Benchmark | Foo-7B", "MMLU | 62.1") + table("Benchmark | Claude | Gemini", "MMLU | 1 | 2")
    code, answer, err = extract(capsys, tmp_path, text, "--all-tables")
    assert (code, answer["tables"][1]["status"]) == (0, "absent")
    assert "not this model's by their labels: table 2 (Claude, Gemini)" in err


def test_exit_0_says_what_was_read_and_what_was_not(capsys, tmp_path):
    size = table("Model | Layers", "Foo-7B | 32").replace("## Evaluation", "## Structure")
    fact = "Foo-7B | 61.5 | 4096"
    text = size + table("Model | MMLU | Context length", fact) + table("Model | GSM8K", "Foo-7B | 50")
    code, answer, err = extract(capsys, tmp_path, text, "--table", "2")
    assert (code, answer["account"]) == (
        0,
        [
            "read: table 2 (1)",
            "left out as no scores: 'Context length' is a fact, no score",
            "not asked for: table 3 (1)",
            "no evaluation: table 1",
        ],
    )
    assert "not asked for: table 3 (1)" in err


LONG = "# Foo-7B\n\nAs in LongBench.\n\n" + table("Model | QA | Avg", "Foo-7B | 1 | 61").removeprefix("## Evaluation")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (table("Model 5-shot | MMLU", "Foo-7B | 61"), ("MMLU", "5-shot", None)),
        (table("Benchmark (5-shot) | Foo-7B", "MMLU | 61"), ("MMLU", "5-shot", None)),
        (table("Benchmark (5-shot) | Foo-7B", "MMLU (0-shot) | 61"), ("MMLU", "0-shot", None)),
        (table("Model | Tech", "Foo-7B | 61").replace("Evaluation", "Perplexity"), ("Tech", None, "perplexity")),
        (table("Model | MMLU", "Foo-7B | 61").replace("Evaluation", "Perplexity"), ("MMLU", None, None)),
        (table("Model | MMLU | Few-shot Learning", "Foo-7B | 1 | 61"), ("Few-shot Learning", None, None)),
        (table("Model | MMLU | Zero-shot Captioning", "Foo-7B | 1 | 61"), ("Zero-shot Captioning", "0-shot", None)),
        (table("Model | STEM | Avg", "Foo-7B | 1 | 61").replace("Evaluation", "C-Eval"), ("Avg (C-Eval)", None, None)),
        (table("Model | STEM", "Foo-7B | 61").replace("Evaluation", "NLU: C-Eval"), ("STEM (C-Eval)", None, None)),
        (table("Model | Accuracy | BBH", "Foo-7B | 61 | ").replace("Evaluation", "MMLU"), ("MMLU", None, "Accuracy")),
        (LONG.replace("As in LongBench", "LongBench is long"), ("Avg (LongBench)", None, None)),
        (LONG, ("Avg", None, None)),
    ],
)  # fmt: skip
def test_a_name_keeps_what_the_table_says_of_it(text, wanted):
    text = text if text.startswith("# ") else f"# Foo-7B\n\n{text}"
    (reading,) = manager.read_tables(
        manager.parse_card(text), "acme/Foo-7B", VOCABULARY, {1: [manager.Pick(1, "", None, "Foo-7B")]}
    )
    score = reading.scores[-1]
    assert (score.benchmark, score.shots, score.metric, score.value) == (*wanted, 61)


@pytest.mark.parametrize("header", ["Score", "Accuracy", "Elo Rating", "Results (%)"])
def test_a_score_of_no_benchmark_is_asked(capsys, tmp_path, header):
    text = table(f"Model | {header}", "Foo-7B | 61.5", "Bar-7B | 50")
    code, answer, err = extract(capsys, tmp_path, text)
    assert (code, answer["results"], 'benchmark: {1: "…"}' in err) == (3, [], True)
    named = "[{table: 1, row: Foo-7B, benchmark: {1: TouchStone}}]"
    code, answer, _ = extract(capsys, tmp_path, text, selection=named)
    assert (code, [(r["benchmark"], r["value"]) for r in answer["results"]]) == (0, [("TouchStone", 61.5)])


def test_a_given_name_keeps_the_settings_of_the_table(capsys, tmp_path):
    text = table("Model | SciQA-Img (0-shot) | HLE (w/ tools)", "Foo-7B | 68.2 | 20.1")
    chosen = "[{table: 1, row: Foo-7B, benchmark: {1: SciQA, 2: HLE (text-only)}}]"
    answer = extract(capsys, tmp_path, text, selection=chosen)[1]
    assert [(r["benchmark"], r["shots"], r["notes"]) for r in answer["results"]] == [
        ("SciQA", "0-shot", None), ("HLE (text-only)", None, "Text only")
    ]  # fmt: skip


def test_the_same_result_in_several_tables_is_given_once(capsys, tmp_path):
    text = table("Benchmark | Foo-7B", "MATH500 | 95.8", "MMLU | 1") + table("Benchmark | Foo-7B", "MATH-500 | 95.8")
    code, answer, err = extract(capsys, tmp_path, text, "--all-tables")
    assert (code, [(r["benchmark"], r["also"]) for r in answer["results"]]) == (
        0, [("MATH500", [{"table": 2, "row": 0, "column": 1}]), ("MMLU", [])]
    )  # fmt: skip
    assert (len(answer["plan"]["entries"]), "given once although repeated: 1 results" in err) == (2, True)


def test_a_bold_line_is_a_heading():
    reading = read(
        "# Foo\n\n## Exam\n\ntext\n\n**Standard Benchmark**\n\n" + table("Benchmark | Foo-7B", "MMLU | 1")[15:]
    )[0]
    assert reading.table.headings == ("Standard Benchmark", "Exam", "Foo")
    assert only(placed("## Results\n\n**Chat models**")).status == "ambiguous"
    assert only(placed("## Results\n\n**The best one yet.**")).table.heading == "Results"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("first_number: true", "no cell of it has several numbers"),
        ("rows: [7]", "rows: 7 is none of its rows"),
        ("leave_out: [Elo]", "leave_out: 'Elo' is none of its rows"),
        ("benchmark: {MMLU-Pro: X}", "benchmark: 'MMLU-Pro' is none"),
        ("columns: [1]", "only rows can be chosen"),
        ("leave_out: all", "leave column out"),
        ("label: Foo-7B, label: Bar-13B", "occurs twice"),
        ("}, {table: 1, column: 1, label: Foo-7B", "is read twice"),
        ("}, {table: 1, leave_out: all", "read and left out"),
    ],
)
def test_a_key_that_does_nothing_is_refused_by_name(capsys, tmp_path, more, said):
    label = "" if "label: Foo-7B, label" in more else "label: Foo-7B, "
    chosen = f"[{{table: 1, column: 1, {label}{more}}}]"
    code, answer, err = extract(capsys, tmp_path, table("Benchmark | Foo-7B", "MMLU | 61.5"), selection=chosen)
    assert (code, answer, said in err) == (2, {}, True), err


def test_the_first_of_divided_values_can_be_taken(capsys, tmp_path):
    text = table("Bench | Precision | Foo-7B | Bar", "DROP | B16<br>FP8<br>W4A16 | 85.9<br>86.0<br>85 | 1<br>2<br>3")
    code, answer, _ = extract(capsys, tmp_path, text)
    found = [(r["benchmark"], r["value"]) for r in answer["results"]]
    assert (code, found) == (0, [("DROP (B16)", 85.9)])  # the others are quantized models'
    chosen = "[{table: 1, column: Foo-7B, first_number: true}]"
    answer = extract(capsys, tmp_path, text, selection=chosen)[1]
    assert [(r["benchmark"], r["value"]) for r in answer["results"]] == [("DROP", 85.9)]


def test_around_a_table_the_paragraph_that_names_its_benchmark_is_shown(capsys, tmp_path):
    card = tmp_path / "README.md"
    head = "## Chat\n\n[TouchStone](u) scores dialogues.\n\nMore.\n\n### English\n\n"
    card.write_text(head + table("Model | Score", "Foo-7B | 645.2")[15:], encoding="utf-8")
    words = ["inspect-tables", "--repo-id", "acme/Foo-7B", "--card", str(card)]
    assert "below 'Chat': TouchStone scores dialogues." in run(capsys, *words, "--around")[1]
    (shown,) = json.loads(run(capsys, *words, "--json")[1])["tables"]
    assert [told["text"] for told in shown["above"]] == ["TouchStone scores dialogues.", "More."]


@pytest.mark.parametrize(
    ("label", "code"),
    [
        ("Hermes 2 on Foo", 3),
        ("Hermes 2 (our Foo tune)", 3),
        ("Hermes 3 Foo", 1),
        ("Hermes-2-Foo-70B", 1),
        ("Hermes-2-Vision", 1),
        ("Foo-7B", 1),
    ],
)
def test_a_long_name_in_other_words_is_a_question(capsys, tmp_path, label, code):
    text = table(f"Benchmark | {label} | Bar-13B", "MMLU | 61.5 | 40")
    found, answer, err = extract(capsys, tmp_path, text, repo_id="acme/Hermes-2-Foo-7B-Mix")
    assert (found, answer["results"]) == (code, []), err
    assert (f"# - {{table: 1, column: 1, label: {json.dumps(label)}}}" in err) == (code == 3)


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
        (["--table", "3", "--model-column-index", "3", "--model-name-override", "Lumen 7B"], [66.2, 38.4, 77.3, 58.5]),
    ],
)
def test_choices(capsys, words, values):
    code, out, _ = run(capsys, "extract-readme", "--repo-id", LUMEN, "--card", str(EXAMPLE), "--json", *words)
    assert (code, [r["value"] for r in json.loads(out)["results"]]) == (0, values)


def test_different_values_of_one_thing_are_asked_with_their_headings(capsys, tmp_path):
    card = tmp_path / "README.md"
    one, other = table("Benchmark | Foo-7B", "MMLU | 1.5"), table("Benchmark | Foo-7B", "MMLU | 2.5")
    card.write_text(one + other.replace("## Evaluation", "## Evaluation of 2026"), encoding="utf-8")
    code, out, err = run(
        capsys, "extract-readme", "--repo-id", "acme/Foo-7B", "--card", str(card), "--all-tables", "--json"
    )
    answer = json.loads(out)
    assert (code, [r["value"] for r in answer["results"]]) == (3, [1.5, 2.5])
    assert [value["value"] for value in answer["conflicts"][0]["values"]] == [1.5, 2.5]
    assert "1.5 (table 1 under 'Evaluation'), 2.5 (table 2 under 'Evaluation of 2026')" in err


def test_force_table(capsys, tmp_path):
    card = tmp_path / "README.md"
    card.write_text("| thing | Foo-7B | Bar-7B |\n|---|---|---|\n| some | 3 | 4 |\n", encoding="utf-8")
    words = ["extract-readme", "--repo-id", "acme/Foo-7B", "--card", str(card), "--table", "1", "--json"]
    assert run(capsys, *words)[0] == 3
    code, out, _ = run(capsys, *words, "--force-table")
    assert (code, [r["value"] for r in json.loads(out)["results"]]) == (0, [3])


def test_inspect(capsys):
    code, out, _ = run(capsys, "inspect-tables", "--repo-id", LUMEN, "--card", str(EXAMPLE), "--json")
    tables = json.loads(out)["tables"]
    assert (code, [t["evaluation"] for t in tables]) == (0, [False, True, True, True])
    assert tables[2]["targets"][0]["index"] == 3
    code, out, _ = run(capsys, "inspect-tables", "--repo-id", LUMEN, "--card", str(EXAMPLE))
    assert "column 3 'Lumen 7B' (leaves out instruct)" in out
    assert '- {table: 3, column: 3, label: "Lumen 7B"}' in out
    assert tables[3]["header"][1]["path"] == ["IFEval", "prompt-strict"]
    assert tables[2]["grid"][2]["cells"][:4] == ["Knowledge", "MMLU (0-shot, CoT)", "58.0", "66.2"]


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


def test_without_vocabulary(tmp_path):
    script = tmp_path / "scripts" / "evaluation_manager.py"
    script.parent.mkdir()
    shutil.copy(ROOT / "scripts" / "evaluation_manager.py", script)
    words = ["extract-readme", "--repo-id", LUMEN, "--card", str(EXAMPLE), "--all-tables", "--json"]
    done = subprocess.run([sys.executable, str(script), *words], capture_output=True, text=True, check=False)
    assert (done.returncode, {r["key"] for r in json.loads(done.stdout)["results"]}) == (3, {None}), done.stderr
    assert "metric_mapping.json" in done.stderr


def test_version(capsys):
    with pytest.raises(SystemExit) as stop:
        manager.main(["--version"])
    assert (stop.value.code, manager.VERSION in capsys.readouterr().out) == (0, True)


def test_help_is_light():
    script = ROOT / "scripts" / "evaluation_manager.py"
    done = subprocess.run([sys.executable, str(script), "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    heavy = "{'lxml', 'pyromark', 'rich', 'yaml', 'huggingface_hub'}"
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


@settings(max_examples=examples(120), deadline=None)
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


@settings(max_examples=examples(250), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from(PIECES), max_size=80).map("".join))
def test_any_text_is_read_without_a_crash(text):
    manager.read_tables(manager.parse_card(text), "acme/Foo-7B", VOCABULARY, {})


@settings(max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.too_slow])
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
    started = time.process_time()
    try:
        manager.read_tables(manager.parse_card(text), "acme/Foo-7B", VOCABULARY, {})
    except manager.ScriptError as error:
        assert "nothing is taken" in str(error)
    assert time.process_time() - started < 10


def test_deep_tables_are_refused_not_cut():
    with pytest.raises(manager.ScriptError, match="nested too deep"):
        read("<table><tr><td>" * 3000)
    readings = read(
        "<table><tr><td>" * 120 + "</td></tr></table>" * 120 + "\n\n" + table("Benchmark | Foo-7B", "MMLU | 1.5")
    )
    assert (len(readings), pairs(readings[-1])) == (121, [("MMLU", 1.5)])


def test_two_thousand_rows():
    rows = [f"bench {number} | {number / 100:.2f} | 1.5" for number in range(2000)]
    started = time.process_time()
    reading = only(table("Benchmark | Foo-7B | Bar-7B", *rows))
    assert (len(reading.scores), reading.scores[-1].value) == (2000, 19.99)
    assert time.process_time() - started < 5


@pytest.mark.skipif(not CASES.is_dir(), reason="the cases (../shared/cases/cards) are not here")
@pytest.mark.parametrize(
    ("name", "model", "code", "values"),
    [
        ("f1a_only_chat", "Foo-7B", 1, []),
        ("f1a_only_chat", "Foo-7B-Chat", 0, [65.1, 55.2]),
        ("f2_empty_heading", "Foo-7B-Instruct", 3, []),
        ("f3_stage_rl", "Foo-7B", 1, []),
        ("f4b_prose_pretrained_chat", "Foo-7B", 3, []),
        ("f5_data_paragraph", "Foo-7B", 0, [60.1, 50.2]),
        ("f6_fact_words", "Foo-7B", 0, [60.1, 50.2, 50.3, 50.4, 33.3]),
        ("f7_hours_as_size", "Foo-7B", 3, []),
        ("f7b_baseline_sizes", "Foo-7B", 3, []),
        ("f8_arrow_bracket", "Foo-7B", 0, [60.1, 50.2]),
        ("g1_base_and_instruct_headings", "Gull-7B-Instruct", 3, []),
        ("g2_two_averages", "Skua-Embed", 0, [98.1, 46.3, 81.8, 72, 73.6, 72.8]),
        ("g3_divided_cells", "Plover-Audio-7B", 0, [4.46, 3.97, 63.1]),
        ("g4_speed", "Dunlin-mini", 1, []),
    ],
)
def test_cases_are_answered_as_their_readme_says(capsys, name, model, code, values):
    words = [
        "extract-readme",
        "--card",
        str(CASES / f"{name}.md"),
        "--repo-id",
        f"acme/{model}",
        "--all-tables",
        "--json",
    ]
    found, out, _ = run(capsys, *words)
    assert (found, [r["value"] for r in json.loads(out)["results"]]) == (code, values)
