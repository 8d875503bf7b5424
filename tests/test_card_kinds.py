"""Reading model cards: what makes a number another thing, kind by kind; honest cards beside each are read."""

from __future__ import annotations

import pytest
from test_card_doubts import answer
from test_card_surroundings import COLUMNS, pipe

PLAIN = pipe(COLUMNS)


@pytest.mark.parametrize(
    "said", ["MMLU采用5次多数投票，其余为5-shot。", "GSM8K的分数由GPT-4打分。", "MMLUは韓国語に翻訳したものです。"]
)
def test_a_benchmarks_name_ends_where_other_letters_begin(said):
    assert not answer(f"## Results\n\n{said}\n\n{PLAIN}").results
    assert not answer(f"## Results\n\n{PLAIN}\n\n{said}").results
    assert answer(f"## Results\n\n以下为MMLU和GSM8K的结果。\n\n{PLAIN}").results


@pytest.mark.parametrize(
    "text",
    [
        "## Evaluation\n\n### Data, Factors & Metrics\n\n#### Data\n\nEach score is from the validation split.\n\n"
        "### Results\n\nTABLE",
        "## Evaluation\n\nWe evaluate Foo-7B.\n\nScores are the best of three runs.\n\n### General\n\nTABLE",
        "## Evaluation\n\n### General\n\nTABLE\n\n### How it was done\n\nAnswers come from majority voting.",
        "## 评测结果\n\n### 通用\n\nTABLE\n\n### 评测细节\n\n所有分数均为验证集上的结果。",
        "## Results\n\nTABLE\n\nAnd more:\n\nTABLE\n\nAll results in this section are of an early checkpoint.",
        "## Results\n\nTABLE\n\n## News\n\n- The results above were obtained with the int4 weights.",
    ],
)
def test_all_that_a_card_says_of_its_numbers_is_looked_at(text):
    assert not answer(f"# Foo-7B\n\n{text.replace('TABLE', PLAIN)}").results


@pytest.mark.parametrize(
    "text",
    [
        "## Evaluation\n\nWe evaluate Foo-7B.\n\nHigher is better.\n\n### General\n\nTABLE\n\n### Safety\n\nSafe.",
        "## Results\n\nTABLE\n\n## Limitations\n\nFoo-7B may hallucinate, and its reasoning may be wrong.",
        "## Results\n\nTABLE\n\n## Training\n\nFoo-7B is trained with a loss on the answers, before the merge.",
    ],
)
def test_texts_that_are_about_something_else_ask_nothing(text):
    assert len(answer(f"# Foo-7B\n\n{text.replace('TABLE', PLAIN)}").results) > 1


@pytest.mark.parametrize(
    "table",
    [
        "| Benchmark | Bar-7B | Foo-7B |\n|---|---|---|\n| PIQA | 5-shot | 70.5 | 71.5 |\n| MMLU | 50.5 | 51.5 |",
        "| Benchmark | Bar-7B | Foo-7B |\n|---|---|---|\n| a|b: PIQA | 70.5 | 71.5 |\n| MMLU | 50.5 | 51.5 |",
        "| Model | Size | MMLU | PIQA |\n|---|---|---|---|\n| Foo-7B | 51.5 | 71.5 |\n| Bar | 7B | 1.5 | 2.5 |",
        "<table><tr><th>Group</th><th>Task</th><th>Foo-7B</th><th>Bar</th></tr><tr><td>QA</td><td>MMLU</td>"
        "<td>51.5</td><td>50.5</td></tr><tr><td>PIQA</td><td>71.5</td><td>70.5</td></tr></table>",
    ],
)
def test_a_row_that_does_not_fit_the_head_is_asked(table):
    answered = answer(f"# Foo-7B\n\n## Results\n\n{table}")
    assert answered.code == 3 and answered.readings[0].open_cells


def test_short_rows_that_lose_nothing_are_read():
    table = "| Benchmark | Foo-7B | Bar |\n|---|---|---|\n| QA |\n| MMLU | 51.5 | 50.5 | |\n| PIQA | 71.5 | 70.5 |"
    assert len(answer(f"# Foo-7B\n\n## Results\n\n{table}").results) == 2


@pytest.mark.parametrize("beside", ["13B", "Bar-13B", "Falcon", "int8"])
@pytest.mark.parametrize("ours", ["Ours", "This model", "Our method"])
def test_ours_of_another_size_or_backbone_is_asked(ours, beside):
    rows = [("Model", "Backbone", "MMLU"), (ours, beside, "61.5"), ("Baz", "13B", "60.5")]
    assert not answer(f"# Foo-7B\n\n## Results\n\n{pipe(rows)}").results
    rows = [(cell.replace(beside, "7B") for cell in row) for row in rows[:2]] + rows[2:]
    assert answer(f"# Foo-7B\n\n## Results\n\n{pipe([tuple(row) for row in rows])}").results


@pytest.mark.parametrize(
    "label",
    ["MMLU (base)", "Baseline MMLU", "MMLU (RLHF)", "Mistral-7B MMLU", "MMLU (Bar-7B)", "MMLU of GPT-4", "MMLU [8bit]"],
)
def test_another_model_in_a_benchmarks_label_is_asked(label):
    rows = [("Benchmark", "Score"), ("MMLU", "61.5"), (label, "60.5")]
    answered = answer(f"# Foo-7B\n\n## Foo-7B results\n\n{pipe(rows)}")
    assert answered.code == 3 and 60.5 not in [score.value for score in answered.results]


@pytest.mark.parametrize(
    ("label", "key"),
    [
        ("MMLU (test)", "mmlu"), ("MMLU (val)", None), ("MMMU (val)", "mmmu"), ("MMMU (test)", None),
        ("HellaSwag (dev)", "hellaswag"), ("HellaSwag (test)", None), ("GPQA Diamond (test)", "gpqa_diamond"),
        ("MMLU (Law)", None), ("GSM8K (2 tasks)", None), ("BBH (20%)", None), ("AIME 2025 (II)", None),
        ("GPQA Diamond (Chemistry)", None), ("MMLU (5-shot)", "mmlu"), ("MMLU (reported)", "mmlu"),
        ("MMLU (English)", "mmlu"), ("AGIEval (English)", None), ("GSM8K (math)", "gsm8k"),
    ],
)  # fmt: skip
def test_a_part_or_another_split_has_no_key(label, key):
    rows = [("Benchmark", "Foo-7B", "Bar"), (label, "61.5", "60.5")]
    (score,) = answer(f"# Foo-7B\n\n## Results\n\n{pipe(rows)}").results
    assert score.key == key


@pytest.mark.parametrize("name", ["参数量", "显存占用", "排名", "パラメータ数", "속도", "Größe", "Скорость"])
def test_facts_in_other_languages_are_no_scores(name):
    rows = [("Model", name, "MMLU", "GSM8K"), ("Foo-7B", "7", "61.5", "50.5"), ("Bar", "9", "60.5", "49.5")]
    assert "7" not in [score.raw for score in answer(f"# Foo-7B\n\n## Results\n\n{pipe(rows)}").results]


@pytest.mark.parametrize(
    "name",
    [
        "胜率",
        "回复字数",
        "GSM8K成本",
        "MMLU中文",
        "MMLU 拒答",
        "Hours until it was done",
        "AE2 Tokens",
        "TPS",
        "OutLen",
        "vs Bar",
        "KoBEST",
        "数学",
        "Social Interaction hard",
    ],
)
def test_a_name_that_may_be_no_benchmarks_is_asked(name):
    rows = [("Model", name, "MMLU", "GSM8K"), ("Foo-7B", "7", "61.5", "50.5"), ("Bar", "9", "60.5", "49.5")]
    answered = answer(f"# Foo-7B\n\n## Results\n\n{pipe(rows)}")
    assert "7" not in [score.raw for score in answered.results] and answered.code == 3


@pytest.mark.parametrize("name", ["平均", "τ²-bench", "Social Interaction QA", "MMLU-ProX", "Math"])
def test_benchmarks_and_topics_in_any_letters_are_read(name):
    rows = [("Model", name, "MMLU", "GSM8K"), ("Foo-7B", "57", "61.5", "50.5"), ("Bar", "59", "60.5", "49.5")]
    assert len(answer(f"# Foo-7B\n\n## Results\n\n{pipe(rows)}").results) == 3


@pytest.mark.parametrize(
    ("head", "cell", "said"),
    [
        ("Version", "v2", ("arena_hard_v2", None, None)), ("Version", "1", ("arena_hard", None, None)),
        ("Thinking", "✓", ("arena_hard", "Thinking", None)), ("Thinking", "✗", ("arena_hard", "Non-thinking", None)),
        ("CoT", "✅", ("arena_hard", None, "CoT")), ("Tools", "✓", ("arena_hard", "With tools", None)),
        ("RAG", "✓", None), ("Level", "5", None), ("Temperature", "0.6", None), ("pass@k", "10", None),
    ],
)  # fmt: skip
def test_a_column_beside_a_benchmark_says_which_it_is(head, cell, said):
    rows = [("Benchmark", head, "Bar", "Foo-7B"), ("Arena-Hard", cell, "60.5", "61.5"), ("MMLU", cell, "50.5", "51.5")]
    found = [s for s in answer(f"# Foo-7B\n\n## Results\n\n{pipe(rows)}").results if s.value == 61.5]
    assert [(s.key, s.notes, s.shots) for s in found] == ([said] if said else [])


@pytest.mark.parametrize(("count", "read"), [("100", False), ("14042", True), ("14,042", True)])
def test_a_small_number_of_items_beside_a_benchmark_is_asked(count, read):
    rows = [("Benchmark", "# Questions", "Foo-7B"), ("MMLU", count, "61.5")]
    assert bool(answer(f"# Foo-7B\n\n## Results\n\n{pipe(rows)}").results) == read


@pytest.mark.parametrize(("place", "read"), [("cais/mmlu", True), ("Bar/MMLU", True), ("Bar/mmlu-translated", False)])
def test_a_link_to_another_data_set_is_asked(place, read):
    name = f"[MMLU](https://huggingface.co/datasets/{place})"
    for rows in ([("Benchmark", "Foo-7B"), (name, "61.5")], [("Model", name), ("Foo-7B", "61.5")]):
        assert bool(answer(f"# Foo-7B\n\n## Results\n\n{pipe(rows)}").results) == read


@pytest.mark.parametrize("head", ["Thinking", "CoT", "Tools", "Finetuned"])
def test_a_tick_beside_the_model_is_asked(head):
    rows = [("Model", head, "MMLU"), ("Foo-7B", "✓", "61.5"), ("Bar", "✓", "60.5")]
    assert not answer(f"# Foo-7B\n\n## Results\n\n{pipe(rows)}").results
    assert answer(f"# Foo-7B\n\n## Results\n\n{pipe([('Model', 'Open source', 'MMLU'), *rows[1:]])}").results


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        (
            [("Model", "Mode", "MMLU"), ("Foo-7B", "thinking", "61.5"), ("Bar", "-", "1.5")],
            "row: 0, label: Foo-7B thinking",
        ),
        ([("Benchmark", "Think", "No-think"), ("MMLU", "61.5", "60.5")], "column: 1, label: Think"),
    ],
)
def test_the_mode_of_a_chosen_row_or_column_is_kept(rows, line):
    answered = answer(f"# Foo-7B\n\n## Results\n\n{pipe(rows)}", selection=f"- {{table: 1, {line}}}")
    assert [(score.value, score.notes) for score in answered.results] == [(61.5, "Thinking")]


@pytest.mark.parametrize(
    ("label", "names"),
    [
        ("HumanEval pass@1/10", []), ("AIME 2024 / 25", []), ("Video-MME w/wo subs", []), ("HumanEval / +", []),
        ("HumanEval / MBPP", ["HumanEval", "MBPP"]), ("MMLU 0/5-shot", ["MMLU", "MMLU"]),
        ("IFEval (a / b)", ["IFEval (a)", "IFEval (b)"]),
    ],
)  # fmt: skip
def test_a_part_of_a_divided_label_is_a_name_or_asked(label, names):
    answered = answer(
        f"# Foo-7B\n\n## Results\n\n{pipe([('Benchmark', 'Foo-7B'), ('MMLU-Pro', '1.5'), (label, '61.5 / 60.5')])}"
    )
    assert [score.benchmark for score in answered.results if score.value > 2] == names
    assert answered.code == (0 if names else 3)


@pytest.mark.parametrize(
    ("cells", "asked"),
    [
        (("0.641", "82.1", "53.2"), ["0.641"]),
        (("0.12", "82.1", "53.2"), ["0.12"][:0]),
        (("0.641", "0.821", "0.53"), []),
    ],
)
def test_a_proportion_among_percentages_is_asked(cells, asked):
    rows = [("Benchmark", "Foo-7B"), *zip(("MMLU", "GSM8K", "ARC-C"), cells, strict=True)]
    answered = answer(f"# Foo-7B\n\n## Results\n\n{pipe(rows)}")
    assert [cell.text for cell in answered.readings[0].open_cells] == asked


@pytest.mark.parametrize(
    ("cell", "unit"), [("0.615 ± 1.2%", None), ("0.615 (-0.5%)", None), ("61.5%", "percent"), ("61.5 ± 1%", "percent")]
)
def test_the_unit_of_a_spread_is_not_the_values(cell, unit):
    (score,) = answer(f"# Foo-7B\n\n## Results\n\n{pipe([('Benchmark', 'Foo-7B'), ('MMLU', cell)])}").results
    assert score.unit == unit


def test_a_row_without_a_label_can_be_chosen():
    card = f"# Foo-7B-chat\n\n## Results of others\n\n{pipe([('MMLU', 'GSM8K'), ('61.5', '50.5')])}"
    asked = answer(card, "acme/Foo-7B")
    assert asked.code == 3 and '{table: 1, row: 0, label: ""}' in asked.message
    assert len(answer(card, "acme/Foo-7B", '- {table: 1, row: 0, label: ""}').results) == 2


@pytest.mark.parametrize("heading", ["Pretraining", "Pre-training results", "Core model"])
def test_a_heading_on_pretraining_is_about_the_base_model(heading):
    rows = [("Benchmark", "Score"), ("MMLU", "61.5"), ("GSM8K", "50.5")]
    assert not answer(f"# Foo-7B-Instruct\n\n### {heading}\n\n{pipe(rows)}", "acme/Foo-7B-Instruct").results


@pytest.mark.parametrize("cell", [">61", "61.5 (best)", "61.5 (60.5)"])
def test_a_value_that_is_not_the_number_alone_is_asked(cell):
    answered = answer(f"# Foo-7B\n\n## Results\n\n{pipe([('Benchmark', 'Foo-7B'), ('MMLU', cell), ('GSM8K', '50.5')])}")
    assert [score.raw for score in answered.results] == ["50.5"]
    assert ("first_number: true" in answered.message) == (cell == "61.5 (60.5)")


def test_both_turns_of_a_dialogue_are_scores_or_asked():
    rows = [("Model", "Turn 1", "Second Turn", "MT-Bench"), ("Foo-7B", "7.5", "6.5", "7.0")]
    answered = answer(f"# Foo-7B\n\n## MT-Bench\n\n{pipe(rows)}")
    seen = [score.raw for score in answered.results] + [c.text for r in answered.readings for c in r.open_cells]
    assert {"7.5", "6.5"} <= {*seen}


@pytest.mark.parametrize("name", ["Foo-7B-abliterated", "Foo-7B-Uncensored"])
def test_a_changed_models_card_may_show_the_scores_of_its_source(name):
    rows = [("Benchmark", "Score"), ("MMLU", "61.5"), ("GSM8K", "50.5")]
    assert answer(f"# {name}\n\n## Evaluation\n\n{pipe(rows)}", f"me/{name}").code == 3
