"""Reading model cards: what stands around a table is plain, or the table is asked; no value is taken in silence.

fixtures/surroundings.json has what headings, captions, leads, legends and sentences say, in several languages.
"""

from __future__ import annotations

import json
from pathlib import Path

import evaluation_manager as manager
import pytest
from test_evaluation_manager import VOCABULARY

SAID = json.loads(Path(__file__).with_name("fixtures").joinpath("surroundings.json").read_text(encoding="utf-8"))
LABELS = [text for texts in SAID["labels"].values() for text in texts]
SENTENCES = [text for texts in SAID["sentences"].values() for text in texts]
VALUES = {"MMLU": 61.5, "GSM8K": 44.25, "ARC-C": 52.0}
COLUMNS = [("Benchmark", "Foo-7B", "Bar-13B"), *((name, str(value), "40.0") for name, value in VALUES.items())]
ROWS = [("Model", *VALUES), *list(zip(*COLUMNS, strict=True))[1:]]
MARKED = [(*row[:1], f"{row[1]}†", *row[2:]) if n == 1 else row for n, row in enumerate(COLUMNS)]


def pipe(rows: list[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def html(rows: list[tuple[str, ...]], caption: str) -> str:
    cells = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><caption>{caption}</caption>{cells}</table>".replace("<tr><td>", "<tr><th>", 1)


def read(text: str) -> manager.TableReading:
    (reading,) = manager.read_tables(manager.parse_card(f"# Foo-7B\n\n{text}\n"), "acme/Foo-7B", VOCABULARY)
    return reading


LABEL_FORMS = {
    "heading": lambda text, rows: f"### {text}\n\n{pipe(rows)}",
    "heading below results": lambda text, rows: f"## Evaluation\n\n### {text}\n\n{pipe(rows)}",
    "heading above a plain one": lambda text, rows: f"## {text}\n\n### Reasoning\n\n{pipe(rows)}",
    "bold": lambda text, rows: f"## Results\n\n**{text}**\n\n{pipe(rows)}",
    "lead": lambda text, rows: f"## Results\n\n{text}:\n\n{pipe(rows)}",
    "lead before a lead": lambda text, rows: f"## Results\n\n{text}\n\nResults:\n\n{pipe(rows)}",
    "caption below": lambda text, rows: f"## Results\n\n{pipe(rows)}\n\nTable 1: {text}",
    "caption": lambda text, rows: f"## Results\n\n{html(rows, text)}",
}
SENTENCE_FORMS = {
    "before": lambda text, rows: f"## Results\n\n{text}\n\n{pipe(rows)}",
    "in a paragraph": lambda text, rows: f"## Results\n\nThis model is open. {text} Have fun.\n\n{pipe(rows)}",
    "behind": lambda text, rows: f"## Results\n\n{pipe(rows)}\n\n{text}",
    "a paragraph away": lambda text, rows: f"## Results\n\n{text}\n\nSee below.\n\n{pipe(rows)}",
    "setup": lambda text, rows: f"## Evaluation\n\n### Setup\n\n{text}\n\n### Results\n\n{pipe(rows)}",
    "notes": lambda text, rows: f"## Evaluation\n\n### Results\n\n{pipe(rows)}\n\n### Notes\n\n{text}",
    "footnote": lambda text, rows: f"## Results[^1]\n\n{pipe(rows)}\n\n## Licence\n\nMIT\n\n[^1]: {text}",
    "far legend": lambda text, rows: f"## Results\n\nSee below.†\n\n{pipe(rows)}\n\n## Licence\n\nMIT\n\n† {text}",
}


def taken(forms: dict, texts: list[str]) -> list[tuple[str, str]]:
    """The texts that leave a table certain, with their places."""
    return [
        (name, text)
        for name, form in forms.items()
        for text in texts
        for rows in (COLUMNS, ROWS)
        if read(form(text, rows)).scores
    ]


@pytest.mark.parametrize("form", LABEL_FORMS)
def test_a_label_that_says_another_thing_is_asked(form):
    assert not taken({form: LABEL_FORMS[form]}, LABELS)


@pytest.mark.parametrize("form", SENTENCE_FORMS)
def test_a_sentence_that_says_another_thing_is_asked(form):
    assert not taken({form: SENTENCE_FORMS[form]}, SENTENCES)


@pytest.mark.parametrize("legend", SAID["legends"])
def test_a_legend_that_says_another_thing_is_asked(legend):
    for behind in (legend, f"Notes.\n\n{legend}"):
        assert not read(f"## Results\n\n{pipe(MARKED)}\n\n{behind}").scores


@pytest.mark.parametrize("kind", ["plain_labels", "plain_sentences"])
def test_plain_texts_leave_a_table_certain(kind):
    forms = LABEL_FORMS if kind == "plain_labels" else SENTENCE_FORMS
    missing = [
        (name, text)
        for name, form in forms.items()
        for text in SAID[kind]
        for rows in (COLUMNS, ROWS)
        if {score.benchmark: score.value for score in read(form(text, rows)).scores} != VALUES
    ]
    assert not missing, missing[:40]


def test_what_fits_the_table_is_plain():
    rows = [("Model", "LibriSpeech clean", "LibriSpeech other"), ("Foo-7B", "2.1", "4.4"), ("Bar-13B", "3.1", "5.4")]
    for text in ("WER", "Word error rate (WER, %, lower is better)"):
        assert [score.value for score in read(f"## {text}\n\n{pipe(rows)}").scores] == [2.1, 4.4]
    for text in ("Word accuracy (%)", "Word accuracy (100 - WER)", "CER"):
        assert not read(f"## {text}\n\n{pipe(rows)}").scores


@pytest.mark.parametrize(
    ("heading", "shots", "notes"),
    [("5-shot results", "5-shot", None), ("Thinking mode", None, "Thinking"), ("Results (CoT)", "CoT", None)],
)
def test_a_setting_that_a_heading_says_is_kept(heading, shots, notes):
    scores = read(f"## {heading}\n\n{pipe(COLUMNS)}").scores
    assert [(score.value, score.shots, score.notes) for score in scores] == [(v, shots, notes) for v in VALUES.values()]


def test_the_question_offers_lines_to_complete_and_each_reads_the_table():
    card = manager.parse_card(f"# Foo-7B\n\n### pass@10\n\n{pipe(COLUMNS)}\n")
    (reading,) = manager.read_tables(card, "acme/Foo-7B", VOCABULARY)
    assert (reading.status, reading.doubts) == ("ambiguous", ["heading 'pass@10' says 'pass@10': what is measured?"])
    plain, measured = (line.removeprefix("# ") for line in manager.choices(reading))

    def metrics(line: str) -> list[str | None]:
        picks = manager.read_selection(line, "lines", "acme/Foo-7B", (), 1)
        return [s.metric for r in manager.read_tables(card, "acme/Foo-7B", VOCABULARY, picks) for s in r.scores]

    assert metrics(plain) == [None] * 3
    assert metrics(measured.replace("…", "pass@10", 1)) == ["pass@10"] * 3
    with pytest.raises(manager.ScriptError, match="metric: write the names in place of '…'"):
        metrics(measured)


ERROR_RATES = [
    "Error rate (%)",
    "Wrong answers",
    "Failure rate",
    "1 - accuracy",
    "Eval loss",
    "错误率",
    "誤答率",
    "오답률",
]


@pytest.mark.parametrize("form", [*LABEL_FORMS, "draft"])
@pytest.mark.parametrize("text", ERROR_RATES)
def test_under_an_error_rate_no_plain_line_is_offered(text, form):
    reading = read(LABEL_FORMS.get(form, LABEL_FORMS["heading"])(text, COLUMNS))
    assert reading.status == "ambiguous"
    lines = list(manager.choices(reading))
    if form == "draft":
        offered = manager.draft([reading], "acme/Foo-7B", "again", "0").splitlines()
        lines = [line for line in offered if "{table: 1, column" in line]
    assert lines and all('metric: "…"' in line for line in lines), lines


def test_a_plain_line_says_what_it_would_write_and_is_warned_of_under_an_error_rate():
    (plain, _) = manager.choices(read(f"### Refined\n\n{pipe(COLUMNS)}"))
    assert "as accuracy 61.5 (MMLU), exact_match 44.25 (GSM8K), accuracy 52 (ARC-C)" in plain
    line = plain.removeprefix("# ")
    for heading, told in (("Refined", False), ("Error rate (%)", True)):
        for more in ("}", ', metric: "error rate"}'):
            card = manager.parse_card(f"# Foo-7B\n\n### {heading}\n\n{pipe(COLUMNS)}\n")
            picks = manager.read_selection(line.replace("}", more, 1), "lines", "acme/Foo-7B", (), 1)
            (reading,) = manager.read_tables(card, "acme/Foo-7B", VOCABULARY, picks)
            assert len(reading.scores) == 3 and bool(reading.remarks) == (told and more == "}")
            assert not reading.remarks or "accuracy 61.5 (MMLU)" in reading.remarks[0]


def outer(heading: str) -> manager.TableReading:
    return read(f"## {heading}\n\n### Evaluation\n\n{pipe(COLUMNS)}")


@pytest.mark.parametrize("heading", ["Foo in Bavarian", "When options are in reverse order", "Robustness", "Ablations"])
def test_a_heading_above_the_one_on_results_is_a_label(heading):
    assert outer(heading).status == "ambiguous"


@pytest.mark.parametrize(
    "heading", ["Introduction", "Model Description", "Model Card for Foo-7B", "How to use", "About"]
)
def test_a_chapter_above_the_heading_on_results_is_plain(heading):
    assert {score.benchmark: score.value for score in outer(heading).scores} == VALUES


def test_a_numeral_before_a_heading_is_plain_and_one_behind_a_name_is_not():
    assert read(f"## III. Evaluation Results\n\n{pipe(COLUMNS)}").scores
    assert not read(f"## Results of Foo III\n\n{pipe(COLUMNS)}").scores


def test_a_lead_of_another_kind_of_model_is_asked():
    table = pipe([("Benchmark", "Score"), ("MMLU", "61"), ("GSM8K", "42")])
    assert read(f"## Foo-7B results\n\n{table}").scores
    assert not read(f"## Foo-7B results\n\nBase model:\n\n{table}").scores


def test_lines_of_lm_eval_in_a_code_fence_say_whose_the_table_is():
    rows = [
        ("Tasks", "Version", "Filter", "n-shot", "Metric", "Value"),
        ("gsm8k", "3", "none", "5", "exact_match", "0.4"),
    ]
    for model, count, right in (
        ("acme/Foo-7B", "None", True),
        ("acme/Foo-13B", "None", False),
        ("acme/Foo-7B", "50", False),
    ):
        line = (
            f"hf (pretrained={model},dtype=bfloat16), gen_kwargs: (None), limit: {count}, num_fewshot: 5, batch_size: 8"
        )
        reading = read(f"## Results\n\n```\n{line}\n```\n\n{pipe(rows)}")
        assert bool(reading.scores) == right, line
