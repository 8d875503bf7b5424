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
