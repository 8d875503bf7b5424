"""Reading model cards: a size beside a name is a fact, what has the name and is not read is said, what nobody knows is
asked, and a selection's one metric is put over what is measured so."""

from __future__ import annotations

import pytest
from test_card_doubts import answer
from test_card_surroundings import pipe

NAMES = ("Bar-7B-Instruct", "Foo-8B-Instruct", "Baz-70B-Instruct")


def sized(head: str, cell: str, repo_id: str = "acme/Foo-8B-Instruct", name: str = "Foo-8B-Instruct"):
    rows = [("Model", head, "MMLU", "GSM8K"), ("Bar-7B-Instruct", "7.6B", "60.1", "50.2"), (name, cell, "61.5", "51.5")]
    return answer(f"## Results\n\n{pipe(rows)}", repo_id)


@pytest.mark.parametrize("head", ["Params", "Parameters", "Size", "# Params", "Model size", "Total params"])
@pytest.mark.parametrize("cell", ["8.0B", "8.03B", "8.03 B", "7.6B", "8030M", "8 billion", "~8.1B", "8.03B params"])
def test_the_true_number_of_parameters_beside_a_name_says_nothing_more(head, cell):
    found = sized(head, cell)
    assert (found.code, [score.value for score in found.results]) == (0, [61.5, 51.5])


@pytest.mark.parametrize("cell", ["70.6B", "70B", "13.0B", "405 billion", "560M"])
def test_another_size_beside_the_name_is_asked_and_never_another_models(cell):
    found = sized("Params", cell)
    assert found.code == 3 and not found.results
    assert f"has '{cell}' beside it, another size" in found.message
    assert "row: 1" in found.message


@pytest.mark.parametrize(
    ("repo_id", "name", "cell"),
    [
        ("acme/Foo-30B-A3B", "Foo-30B-A3B", "30.5B (3.3B active)"),
        ("acme/Foo-1.7B", "Foo-1.7B", "1.72B"),
        ("acme/Foo-350M", "Foo-350M", "0.354B"),
        ("acme/Foo-Large", "Foo-Large", "8.03 B"),
        ("acme/Foo-8B", "Foo", "8.0B"),  # the size completes the name
    ],
)
def test_sizes_of_other_names(repo_id, name, cell):
    assert sized("Params", cell, repo_id, name).code == 0


def test_a_size_completes_a_name_without_one_and_tells_its_siblings_apart():
    rows = [("Model", "Size", "MMLU"), ("Foo", "7B", "60.1"), ("Foo", "13B", "65.2"), ("Foo", "70B", "70.3")]
    for repo_id, value in (("acme/Foo-7B", 60.1), ("acme/Foo-13B", 65.2), ("acme/Foo-70B", 70.3)):
        assert [score.value for score in answer(f"## Results\n\n{pipe(rows)}", repo_id).results] == [value]
    assert not answer(f"## Results\n\n{pipe(rows)}", "acme/Foo-34B").results


def test_a_size_under_the_name_of_a_column_is_a_fact_too():
    html = (
        "<table><tr><th></th><th>Foo-8B</th><th>Bar-7B</th></tr><tr><th>Benchmark</th><th>8.03B</th><th>7.6B</th></tr>"
        "<tr><td>MMLU</td><td>61.5</td><td>60.1</td></tr><tr><td>GSM8K</td><td>51.5</td><td>50.1</td></tr></table>"
    )
    assert [score.value for score in answer(f"## Results\n\n{html}", "acme/Foo-8B").results] == [61.5, 51.5]


SPEECH = [("Model", "test-clean", "test-other", "RTFx"), ("Foo-7B", "5.3", "11.2", "210"), ("Bar", "3.4", "7.6", "160")]


@pytest.mark.parametrize(
    "heads",
    [
        ("test-clean", "test-other"),
        ("FLEURS ja", "FLEURS ko"),
        ("AISHELL-1", "GigaSpeech"),
        ("CN-EN", "CN-FR"),
        ("newstest2014 A", "newstest2014 B"),
        ("Tidal", "Meadow"),
    ],
)
def test_names_that_nobody_knows_without_a_measure_are_asked(heads):
    rows = [("Model", *heads), *(row[:3] for row in SPEECH[1:])]
    assert not answer(f"## Evaluation results\n\n{pipe(rows)}").results
    found = answer(f"## Evaluation results\n\n{pipe(rows)}")
    assert found.code == 3 and 'metric: "…"' in found.message
    line = 'readings:\n- {table: 1, row: 0, label: "Foo-7B", metric: wer}'
    told = answer(f"## Evaluation results\n\n{pipe(rows)}", selection=line)
    assert (told.code, [score.metric for score in told.results]) == (0, ["wer", "wer"])


def test_a_benchmark_that_says_so_itself_or_a_measure_is_enough():
    rows = [("Model", "TidalBench", "MeadowEval"), *(row[:3] for row in SPEECH[1:])]
    assert len(answer(f"## Results\n\n{pipe(rows)}").results) == 2
    measured = [("Model", "AISHELL-1 (WER)", "GigaSpeech (WER)"), *(row[:3] for row in SPEECH[1:])]
    assert len(answer(f"## Results\n\n{pipe(measured)}").results) == 2


SPREAD = [("Model", "MMLU", "GSM8K"), ("Foo-7B", "61.5 ± 0.4", "51.5 ± 1.0"), ("Bar-7B", "60.1 ± 0.4", "50.1 ± 1.0")]


@pytest.mark.parametrize(
    "heading",
    [
        "Results (mean ± standard error over 4 runs)",
        "Results (± standard errors)",
        "Results ± std. err.",
        "Scores with standard errors",
        "Results (mean ± standard error of the mean)",
        "Accuracy +/- standard error",
        "Results (mean and standard deviation over three runs)",
    ],
)
def test_the_spread_of_scores_is_no_error_rate(heading):
    found = answer(f"## {heading}\n\n{pipe(SPREAD)}")
    assert (found.code, [score.value for score in found.results]) == (0, [61.5, 51.5])


@pytest.mark.parametrize(
    "heading",
    ["Error rate", "Standard errors", "Mean error ± standard deviation", "Standard error rate", "Errors (± std)"],
)
def test_errors_that_are_measured_are_asked(heading):
    assert not answer(f"## {heading}\n\n{pipe(SPREAD)}").results


UNLIKE = [
    ("Model", "HumanEval", "LiveCodeBench", "RULER 32k", "MMLU"),
    ("Bar-7B", "72.0", "18.3", "80.2", "60.1"),
    ("Foo-7B", "83.5", "31.6", "90.1", "61.5"),
]


def test_one_metric_over_benchmarks_of_unlike_metrics_is_asked_cell_by_cell():
    text, line = f"## Results\n\n{pipe(UNLIKE)}", '- {table: 1, row: 1, label: "Foo-7B", metric: "pass@1"'
    found = answer(text, selection=f"readings:\n{line}}}")
    assert found.code == 3 and [score.benchmark for score in found.results] == ["HumanEval", "LiveCodeBench"]
    assert "columns: [3]" in found.message and "columns: [4]" in found.message and "leave_out: [3, 4]" in found.message
    named = f'readings:\n{line}, leave_out: [3, 4]}}\n- {{table: 1, row: 1, label: "Foo-7B", columns: [3, 4]}}'
    assert answer(text, selection=named).code == 0


def test_one_metric_of_a_column_and_of_alike_benchmarks():
    columns = list(zip(*UNLIKE, strict=True))
    text = f"## Results\n\n{pipe([('Benchmark', *columns[0][1:]), *columns[1:]])}"
    line = '- {table: 1, column: 2, label: "Foo-7B", metric: "pass@1"'
    assert "rows: [2]" in answer(text, selection=f"readings:\n{line}}}").message
    assert answer(text, selection=f"readings:\n{line}, rows: [0, 1]}}").code == 0
    whole = answer(text, selection=f"readings:\n{line.replace('pass@1', 'error rate')}}}")  # of the whole table
    assert (whole.code, {score.metric for score in whole.results}) == (0, {"error rate"})
    mixed = text.replace("RULER 32k", "FLORES (BLEU)")
    assert answer(mixed, selection=f"readings:\n{line.replace('pass@1', 'error rate')}}}").code == 3


def test_columns_and_rows_of_this_models_name_that_are_not_taken_are_named():
    rows = [("", "Foo-7B (thinking)", "Foo-7B", "Bar-7B"), ("MMLU", "72.4", "61.5", "55"), ("GSM8K", "94", "90", "85")]
    found = answer(f"## Results\n\n{pipe(rows)}")
    told = "table 1, column 1 'Foo-7B (thinking)' (adds thinking)"
    assert (found.code, [score.value for score in found.results]) == (0, [61.5, 90])
    assert any(told in line for line in found.account())
    assert told in found.as_json()["tables"][0]["left_out"]
    turned = answer(f"## Results\n\n{pipe(list(zip(*rows, strict=True)))}")
    assert any("row 0 'Foo-7B (thinking)'" in line for line in turned.account())
    by_hand = answer(f"## Results\n\n{pipe(rows)}", selection="readings:\n- {table: 1, column: 'Foo-7B (thinking)'}")
    assert any("column 2 'Foo-7B' (its name)" in line for line in by_hand.account())
    both = (
        "readings:\n- {table: 1, column: 1, label: 'Foo-7B (thinking)', notes: Thinking}\n- {table: 1, column: Foo-7B}"
    )
    assert not any("not taken" in line for line in answer(f"## Results\n\n{pipe(rows)}", selection=both).account())
    rows[0] = ("", "Foo-7B-Base", "Foo-7B-Instruct", "Foo-13B-Instruct")
    assert not any("not taken" in line for line in answer(f"## R\n\n{pipe(rows)}", "acme/Foo-7B-Instruct").account())


def test_a_column_of_facts_is_in_the_account():
    found = answer(f"## Results (WER)\n\n{pipe(SPEECH)}", selection="readings:\n- {table: 1, row: Foo-7B, metric: wer}")
    assert any("'RTFx' is a fact" in line for line in found.account())


@pytest.mark.parametrize("label", ["Average", "**Average**", "average", "<b>Average</b>", "*Average*"])
def test_a_label_with_markup_is_the_same_label(label):
    rows = [
        ("Benchmark", "Foo-7B", "Bar-7B"),
        ("MMLU", "61.5", "60"),
        ("GSM8K", "51", "50"),
        ("**Average**", "56", "55"),
    ]
    text = f"## Results\n\n{pipe(rows)}"
    found = answer(text, selection=f'readings:\n- {{table: 1, column: Foo-7B, leave_out: ["{label}"]}}')
    assert [score.value for score in found.results] == [61.5, 51]
    only = answer(text, selection=f'readings:\n- {{table: 1, column: Foo-7B, rows: ["{label}"]}}')
    assert [score.value for score in only.results] == [56]
    named = answer(text, selection=f'readings:\n- {{table: 1, column: Foo-7B, benchmark: {{"{label}": Mean of two}}}}')
    assert named.results[-1].benchmark == "Mean of two"


def test_a_label_that_is_not_there_lists_those_that_are():
    text = f"## Results\n\n{pipe(UNLIKE)}"
    with pytest.raises(
        Exception, match=r"'Averages' is none of its columns, which are 1 'HumanEval', 2 'LiveCodeBench'"
    ):
        answer(text, selection="readings:\n- {table: 1, row: Foo-7B, leave_out: [Averages]}")


@pytest.mark.parametrize(("head", "code"), [("Capability", 0), ("Benchmark", 0), ("Test set", 3), ("Dataset", 3)])
def test_rows_that_a_header_calls_benchmarks_are_such_and_data_sets_are_asked(head, code):
    rows = [(head, "Foo-7B", "Bar-7B"), ("Reasoning", "61.5", "60"), ("Knowledge", "51", "50")]
    assert answer(f"## Results\n\n{pipe(rows)}").code == code
