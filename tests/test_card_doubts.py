"""Reading model cards: what in a table, in a command beside it or in a link says another thing, is asked, and how."""

from __future__ import annotations

import evaluation_manager as manager
import pytest
from test_card_surroundings import COLUMNS, pipe, read
from test_evaluation_manager import VOCABULARY

ROW = [("Model", "MMLU", "GSM8K"), ("Foo-7B", "61.5", "44.2"), ("Foo-7B-int4", "60.1", "40.2")]


def with_column(head: str, value: str) -> str:
    return "## Results\n\n" + pipe([(*row, cell) for row, cell in zip(ROW, (head, value, value), strict=True)])


def answer(text: str, repo_id: str = "acme/Foo-7B", selection: str = "") -> manager.Extraction:
    card = manager.parse_card(text)
    picks = manager.read_selection(selection, "lines", repo_id, (), len(card.tables)) if selection else None
    return manager.extract(manager.read_tables(card, repo_id, VOCABULARY, picks), repo_id, (), True, "again")


@pytest.mark.parametrize(
    "head",
    ["Drop", "Frames", "Flips", "Rel.", "Baseline", "Human", "k", "Top-p", "Group size", "ECE", "HAE-RAE", "KoBEST"],
)
def test_a_column_whose_name_may_be_no_benchmarks_is_asked_among_benchmarks(head):
    reading = read(with_column(head, "4.5"))
    assert [score.key for score in reading.scores] == ["mmlu", "gsm8k"]
    assert [cell.text for cell in reading.open_cells] == ["4.5"]


@pytest.mark.parametrize(
    "head", ["DROP", "Drop (3-shot, F1)", "FRAMES", "Own Bench", "Social Science", "Math", "KoBaEval"]
)
def test_benchmarks_and_topics_are_read(head):
    assert len(read(with_column(head, "45.5")).scores) == 3


@pytest.mark.parametrize(
    "command",
    [
        "lm_eval --model hf --model_args pretrained=acme/Bar-13B --tasks mmlu",
        "lm_eval --model hf --model_args pretrained=acme/Foo-7B,load_in_4bit=True --tasks mmlu",
        "lm_eval --model vllm --model_args pretrained=acme/Foo-7B --limit 100",
        "python eval.py --model acme/Foo-7B --split dev",
        "vllm serve acme/Foo-7B --quantization fp8",
        "revision: step-1000",
        "metric: error_rate",
    ],
)
def test_a_command_beside_a_table_says_what_was_run(command):
    for text in (f"```\n{command}\n```\n\n{pipe(COLUMNS)}", f"{pipe(COLUMNS)}\n\n```bash\n{command}\n```"):
        assert not read(f"## Evaluation\n\n{text}").scores
    plain = "lm_eval --model vllm --model_args pretrained=acme/Foo-7B,dtype=auto --tasks mmlu --num_fewshot 5"
    assert read(f"## Evaluation\n\n```\n{plain}\n```\n\n{pipe(COLUMNS)}").scores


@pytest.mark.parametrize(
    "heading", ["Open models", "Proprietary models", "Release 1", "2023-12 release", "Large", "v1"]
)
def test_a_heading_over_one_column_that_may_be_another_models_is_asked(heading):
    rows = [("Benchmark", "Score"), ("MMLU", "61.2"), ("GSM8K", "55.1")]
    assert not answer(f"# Foo-7B-v2\n\n## {heading}\n\n{pipe(rows)}", "me/Foo-7B-v2").results
    for plain in ("Evaluation", "Open LLM Leaderboard", "4.2 Results", "Math"):
        assert len(answer(f"# Foo-7B-v2\n\n## {plain}\n\n{pipe(rows)}", "me/Foo-7B-v2").results) == 2, plain


def test_a_word_error_rate_of_most_words_is_an_accuracy():
    rows = [("Model", "LibriSpeech clean", "LibriSpeech other"), ("Foo-7B", "97.5", "4.1")]
    reading = read(f"## Results\n\n{pipe(rows)}")
    assert ([s.value for s in reading.scores], [c.text for c in reading.open_cells]) == ([4.1], ["97.5"])


def test_a_data_set_in_another_language_has_no_key():
    rows = [("Benchmark", "Lang", "Foo-7B"), ("MMLU", "de", "51.2"), ("MMLU", "en", "61.2")]
    assert [score.key for score in read(f"## Results\n\n{pipe(rows)}").scores] == [None, "mmlu"]


def test_what_stands_in_the_models_row_is_looked_at():
    rows = [("Model", "Provider", "MMLU"), ("Foo-7B", "Acme (FP8 endpoint)", "61.2"), ("Bar", "Acme", "3.1")]
    assert not read(f"## Results\n\n{pipe(rows)}").scores
    linked = [("Model", "MMLU"), ("[Foo-7B](https://example.org/other/Foo-7B-v2)", "61.2")]
    assert not read(f"## Results\n\n{pipe(linked)}").scores


MEASURED = "# Foo-7B\n\n## Results\n\n" + pipe(
    [
        ("Benchmark", "Metric", "Foo-7B"),
        ("HumanEval", "0-shot, pass@100", "80.2"),
        ("MMLU", "5-shot, acc", "60.2"),
        ("BOLD", "sentiment", "0.2"),
        ("NQ", "EM, open-book", "40.2"),
    ]
)


def test_a_name_does_not_answer_what_is_measured():
    asked = answer(MEASURED)
    line = next(line for line in asked.message.split("\n") if 'metric: "…"' in line).removeprefix("# ")
    assert "rows: [0]" in line and [score.value for score in asked.results] == [60.2]
    named = answer(MEASURED, selection='- {table: 1, column: 2, label: "Foo-7B", benchmark: {0: "HumanEval"}}')
    assert named.code == 3 and 80.2 not in [score.value for score in named.results]
    (score,) = answer(MEASURED, selection=line.replace("…", "pass@100")).results
    assert (score.key, score.metric) == ("humaneval", "pass@100")


@pytest.mark.parametrize(
    "heads", [("Before fine-tuning", "After fine-tuning"), ("Student", "Teacher"), ("Reasoning Off", "Reasoning On")]
)
def test_columns_of_what_a_model_is_to_others_are_offered(heads):
    text = "# Foo-7B\n\n## Results\n\n" + pipe([("Benchmark", *heads), ("MMLU", "61.2", "63.1")])
    asked = answer(text)
    assert asked.code == 3 and asked.message.count("# - {table: 1, column:") == 2


def test_the_mode_of_a_chosen_column_is_its_note():
    text = "# Foo-7B\n\n## Results\n\n" + pipe(
        [("Benchmark", "Reasoning Off", "Reasoning On"), ("MMLU", "61.2", "63.1")]
    )
    lines = '- {table: 1, column: 1, label: "Reasoning Off"}\n- {table: 1, column: 2, label: "Reasoning On"}'
    both = answer(text, selection=lines)
    assert (both.code, [s.notes for s in both.results]) == (0, ["Non-thinking", "Thinking"])
