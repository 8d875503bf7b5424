"""benchmark_calculator.py: which of a checkpoint's measured scores a card's row asks for, and when that is asked."""

from __future__ import annotations

import json
from pathlib import Path

import benchmark_calculator as bc
import pytest
from test_benchmark_calculator import add_record, make_run

MAPPING = bc.read_vocabulary()
POINTS = {"unit": "points", "bounds": (0.0, 100.0), "error": 0.5}
MEASURED = [  # task, shots, metric, score
    ("gsm8k", 5, "exact_match,strict-match", 0.46),
    ("gsm8k", 5, "exact_match,flexible-extract", 0.49),
    ("ifeval", 0, "prompt_level_strict_acc,none", 0.57),
    ("ifeval", 0, "inst_level_strict_acc,none", 0.65),
    ("ifeval", 0, "prompt_level_loose_acc,none", 0.60),
    ("ifeval", 0, "inst_level_loose_acc,none", 0.68),
    ("humaneval", 0, "pass_at_1", 0.30),
    ("humaneval", 0, "pass_at_10", 0.55),
    ("hellaswag", 0, "acc,none", 0.61),
    ("hellaswag", 0, "acc_norm,none", 0.72),
    ("squad", 0, "f1", 0.81),
    ("squad", 0, "exact_match", 0.70),
    ("math", 4, "exact_match", 0.20),
    ("math", 4, "maj@8", 0.35),
    ("xsum", 0, "rouge1", 0.33),
    ("xsum", 0, "rougeL", 0.27),
    ("flores", 0, "chrf", 48.5),
    ("flores", 0, "bleu", 21.5),
    ("arc_challenge", 25, "acc_norm,none", 0.52),
    ("triviaqa", 0, "macro_f1", 0.62),
    ("drop", 3, "extractive_match", 0.43),
    ("boolq", 0, "acc,none", 0.77),
    ("boolq", 5, "acc,none", 0.79),
    ("mmlu_philosophy", 5, "acc,none", 0.45),
    ("mmlu_prehistory", 5, "acc,none", 0.48),
    ("mmlu_anatomy", 5, "acc,none", 0.40),
    ("mmlu_virology", 5, "acc,none", 0.39),
]
CHOSEN = (
    "gsm8k|5/exact_match,strict-match",
    "boolq|0/acc,none",
    "xsum|0/rougeL",
    "flores|0/bleu",
    "math|4/exact_match",
)


@pytest.fixture(scope="module")
def ranking(tmp_path_factory) -> bc.Ranking:
    return rank(tmp_path_factory.mktemp("rows"))


def rank(folder: Path, *options: str) -> bc.Ranking:
    run = make_run(folder / "run", "step_1", "step_2")
    for task, shots, metric, score in MEASURED:
        more = POINTS if score > 1 else {"error": 0.02}
        for name, factor in (("step_1", 0.9), ("step_2", 1.0)):
            add_record(run, name, task, score * factor, shots=shots, metric=metric, **more)
    args = bc.build_parser().parse_args([str(run), "--draws", "0", "--result-id", *CHOSEN, *options])
    return bc.make_ranking(args, MAPPING)


def fill(ranking: bc.Ranking, text: str) -> str:
    return bc.fill_card(text, ranking, MAPPING, unit="proportion")[0]


def table(head: str, row: str) -> str:
    return f"| {head} | Ours |\n|{'---|' * (head.count('|') + 2)}\n| {row} |\n"


def answer(ranking: bc.Ranking, head: str, row: str) -> str | int:
    """What the row's {RESULT} becomes, or the exit code."""
    column = "Ours"
    if "=>" in head:
        head, column = head.split(" => ")
    cells = row if "{" in row else f"{row} | {{RESULT}}"
    try:
        filled = fill(ranking, table(head, cells).replace("Ours", column, 1))
    except bc.ScriptError as error:
        assert "\n" not in str(error)
        return error.code
    return filled.rstrip(" |\n").rpartition("| ")[2]


METRIC_ROWS = {
    # named in a column
    ("Benchmark | Metric", "GSM8K | exact_match (flexible)"): "0.490",
    ("Benchmark | Metric", "GSM8K | exact_match (strict)"): "0.460",
    ("Benchmark | Metric", "GSM8K | exact_match,flexible-extract"): "0.490",
    ("Benchmark | Metric", "GSM8K | flexible"): "0.490",
    ("Benchmark | Filter", "GSM8K | flexible-extract"): "0.490",
    ("Benchmark | Metric | Filter", "GSM8K | exact_match | flexible-extract"): "0.490",
    ("Benchmark | Metric", "GSM8K | EM"): "0.460",
    ("Benchmark | Metric", "GSM8K | acc"): "0.460",
    ("Benchmark | Metric", "GSM8K | maj@8"): 3,
    ("Benchmark | Metric", "GSM8K | F1"): 3,
    ("Benchmark | Metric", "GSM8K | my own judge's view"): 3,
    ("Benchmark | Measure", "IFEval | inst_level_strict_acc"): "0.650",
    ("Benchmark | Metric", "IFEval | prompt_level_loose_acc"): "0.600",
    ("Benchmark | Metric", "IFEval | prompt-level strict acc"): "0.570",
    ("Benchmark | Metric", "IFEval | instruction level, loose"): "0.680",
    ("Benchmark | Metric", "IFEval | strict"): 3,
    ("Benchmark | Metric", "IFEval | instruction-level accuracy"): 3,
    ("Benchmark | Metric", "IFEval | acc"): "0.570",
    ("Benchmark | Metric", "HumanEval | pass@10"): "0.550",
    ("Benchmark | Metric", "HumanEval | pass@1"): "0.300",
    ("Benchmark | Metric", "HumanEval | pass@100"): 3,
    ("Benchmark | Metric", "HellaSwag | acc_norm"): "0.720",
    ("Benchmark | Metric", "HellaSwag | normalized accuracy"): "0.720",
    ("Benchmark | Metric", "HellaSwag | acc"): "0.610",
    ("Benchmark | Metric", "SQuAD | F1"): "0.810",
    ("Benchmark | Metric", "SQuAD | exact match"): "0.700",
    ("Benchmark | Metric", "SQuAD | BLEU"): 3,
    ("Benchmark | Metric", "MATH | maj@8"): "0.350",
    ("Benchmark | Metric", "XSum | ROUGE-1"): "0.330",
    ("Benchmark | Metric", "XSum | rougeL"): "0.270",
    ("Benchmark | Metric", "XSum | ROUGE-2"): 3,
    ("Benchmark | Metric", "FLORES | chrF"): "48.500",
    ("Benchmark | Metric", "FLORES | chrF++"): 3,
    ("Benchmark | Metric", "FLORES | sacreBLEU"): "21.500",
    # named in the label
    ("Benchmark", "GSM8K (flexible-extract)"): "0.490",
    ("Benchmark", "GSM8K (flexible, 5-shot)"): "0.490",
    ("Benchmark", "GSM8K, flexible"): "0.490",
    ("Benchmark", "GSM8K / flexible-extract"): "0.490",
    ("Benchmark", "IFEval (inst-level loose)"): "0.680",
    ("Benchmark | Metric", "IFEval (inst-level loose) | acc"): "0.680",
    ("Benchmark", "HumanEval pass@10"): "0.550",
    ("Benchmark", "HellaSwag acc_norm"): "0.720",
    ("Benchmark", "MATH maj@8"): "0.350",
    ("Benchmark", "SQuAD (EM)"): "0.700",
    ("Benchmark", "GSM8K maj@8"): 3,
    ("Benchmark", "GSM8K"): "0.460",
    # named in a cell beside it, or in a header
    ("Benchmark | ", "GSM8K | flexible"): "0.490",
    ("Benchmark => EM (flexible)", "GSM8K"): "0.490",
    ("Benchmark => Ours (flexible)", "GSM8K"): "0.490",
    ("Benchmark => F1", "SQuAD"): "0.810",
    ("Benchmark => F1", "GSM8K"): 3,
    ("Benchmark => Accuracy", "GSM8K"): "0.460",
    ("Benchmark => Accuracy", "HumanEval"): "0.300",
    ("Benchmark (acc_norm)", "HellaSwag"): "0.720",
    # another metric by one word more, or by its name alone
    ("Benchmark | Metric", "ARC-Challenge | acc"): 3,
    ("Benchmark | Metric", "ARC-Challenge | acc | {RESULT:arc_challenge/acc_norm}"): "0.520",
    ("Benchmark => Accuracy", "ARC-Challenge"): 3,
    ("Benchmark", "ARC-Challenge"): "0.520",
    ("Benchmark | Metric", "TriviaQA | F1"): 3,
    ("Benchmark | Metric", "TriviaQA | macro-F1"): "0.620",
    ("Benchmark => Accuracy", "DROP"): "0.430",
    ("Benchmark => Accuracy", "SQuAD"): 3,
    ("Benchmark", "IFEval (average)"): 3,
    ("Benchmark | Metric", "BoolQ | average accuracy"): "0.770",
    # named in the placeholder
    ("Benchmark", "GSM8K | {RESULT:gsm8k/exact_match,flexible-extract}"): "0.490",
    ("Benchmark | Metric", "GSM8K | flexible | {RESULT:gsm8k}"): "0.490",
    ("Benchmark | Metric", "GSM8K | flexible | {RESULT:gsm8k/exact_match,strict-match}"): 3,
    ("Benchmark", "HumanEval | {RESULT:humaneval/pass@10}"): "0.550",
}


@pytest.mark.parametrize(("head", "row"), METRIC_ROWS)
def test_the_metric_that_a_row_names_is_filled_or_asked(head, row, ranking):
    assert answer(ranking, head, row) == METRIC_ROWS[head, row]


SETTING_ROWS = {
    ("Benchmark | Shots", "GSM8K | 5"): "0.460",
    ("Benchmark | Shots", "GSM8K | 8"): 1,
    ("Benchmark | #Shots", "GSM8K | 8"): 1,
    ("Benchmark | n-shot", "GSM8K | 0"): 1,
    ("Benchmark | few-shot", "GSM8K | 4"): 1,
    ("Benchmark | k-shot", "GSM8K | 8"): 1,
    ("Benchmark | num_fewshot", "GSM8K | 0"): 1,
    ("Benchmark | Shots", "GSM8K | zero"): 1,
    ("Benchmark | Shots", "GSM8K | zero-shot"): 1,
    ("Benchmark | Shots", "GSM8K | as usual"): 3,
    ("Benchmark | Shots", "GSM8K | –"): "0.460",
    ("Benchmark | Setting", "GSM8K | 8-shot CoT"): 1,
    ("Benchmark | Setting", "GSM8K | 5-shot"): "0.460",
    ("Benchmark | Setting", "GSM8K | 5-shot CoT"): 3,
    ("Benchmark | Setting", "GSM8K | 5-shot CoT | {RESULT:gsm8k/exact_match,strict-match}"): "0.460",
    ("Benchmark | Prompting", "GSM8K | zero-shot"): 1,
    ("Benchmark", "GSM8K (8-shot)"): 1,
    ("Benchmark", "0-shot GSM8K"): 1,
    ("Benchmark (shots)", "GSM8K (8)"): 1,
    ("Benchmark (shots)", "GSM8K (5)"): "0.460",
    ("Benchmark => Ours (8-shot)", "GSM8K"): 1,
    ("Benchmark => Ours (5-shot)", "GSM8K"): "0.460",
    ("Benchmark | Theirs (Thinking)", "GSM8K | 44.5"): "0.460",
    ("Benchmark | Shots", "BoolQ | 5"): "0.790",
    ("Benchmark | Shots", "BoolQ | 0"): "0.770",
    ("Benchmark", "BoolQ"): "0.770",
    ("Benchmark | Shots", "GSM8K | 8 | {RESULT:gsm8k}"): 1,
    ("Benchmark | Shots", "GSM8K | 8 | {RESULT:gsm8k/exact_match,strict-match}"): 1,
    ("Benchmark | Language", "GSM8K | German"): 3,
    ("Benchmark | CoT", "GSM8K | ✓"): 3,
    ("Benchmark => 0-shot", "GSM8K"): 1,
    ("Benchmark => 5-shot", "BoolQ"): "0.790",
    ("Benchmark => GSM8K (8-shot)", "Ours | {RESULT:gsm8k}"): 1,
    ("Benchmark => GSM8K (flexible)", "Ours | {RESULT:gsm8k}"): "0.490",
    ("Benchmark | Category", "GSM8K | Reasoning"): "0.460",
}


@pytest.mark.parametrize(("head", "row"), SETTING_ROWS)
def test_the_settings_that_a_row_says_are_those_that_were_measured(head, row, ranking):
    assert answer(ranking, head, row) == SETTING_ROWS[head, row]


NAMED_ROWS = {
    ("Benchmark", "MMLU | {RESULT:knowledge_retrieval}"): 3,
    ("Benchmark", "MMLU | {RESULT:gsm8k}"): 3,
    ("Benchmark", "HumanEval (5-shot) | {RESULT:gsm8k}"): 3,
    ("Benchmark", "GSM8K hard split | {RESULT:humaneval}"): 3,
    ("Benchmark => MMLU", "Ours | {RESULT:gsm8k}"): 3,
    ("Benchmark => GSM8K", "this model | {RESULT:gsm8k}"): "0.460",
    ("Benchmark", "GSM8K | {RESULT:gsm8k}"): "0.460",
    ("Benchmark", "Our sums | {RESULT:gsm8k}"): "0.460",
    ("Category | Benchmark", "Math Reasoning | GSM8K | {RESULT:gsm8k}"): "0.460",
    ("Benchmark", "Math Reasoning | {RESULT:gsm8k}"): 3,  # the mean of two benchmarks
    ("Benchmark", "Average | {RESULT:eval_accuracy}"): "as it ranks",
    ("Benchmark", "Average (GSM8K, MMLU) | {RESULT:eval_accuracy}"): "as it ranks",
    ("Benchmark", "MMLU | {RESULT:eval_accuracy}"): 3,
    ("Model | BoolQ (8-shot)", "this | x | {RESULT:gsm8k}"): "0.460",
    ("Model | A", "this | {RESULT:humaneval} | {RESULT:gsm8k}"): "0.460",
    ("Benchmark", "GSM8K | {BEST:eval_accuracy}"): 3,
}


@pytest.mark.parametrize(("head", "row"), NAMED_ROWS)
def test_a_named_placeholder_under_another_label_is_asked(head, row, ranking):
    expected = NAMED_ROWS[head, row]
    expected = f"{ranking.best.eval_accuracy:.3f}" if expected == "as it ranks" else expected
    assert answer(ranking, head, row) == expected


LINES = {
    "GSM8K: {RESULT:gsm8k}": "GSM8K: 0.460",
    "- **GSM8K (flexible)**: {RESULT:gsm8k}": "- **GSM8K (flexible)**: 0.490",
    "- GSM8K (8-shot): {RESULT:gsm8k}": 1,
    "* MMLU: {RESULT:gsm8k}": 3,
    "value: {RESULT:gsm8k}": "value: 0.460",
    "We asked MMLU, too, and of GSM8K it has {RESULT:gsm8k}": "We asked MMLU, too, and of GSM8K it has 0.460",
    "<tr><td>MMLU</td><td>{RESULT:gsm8k}</td></tr>": 3,
    "<td>GSM8K</td><td>flexible</td><td>{RESULT:gsm8k}</td>": "<td>GSM8K</td><td>flexible</td><td>0.490</td>",
}


@pytest.mark.parametrize("line", LINES)
def test_a_label_outside_a_table_is_heeded_too(line, ranking):
    expected = LINES[line]
    if isinstance(expected, str):
        assert fill(ranking, line) == expected
        return
    with pytest.raises(bc.ScriptError) as caught:
        fill(ranking, line)
    assert caught.value.code == expected


PART_ROWS = {
    ("Benchmark", "MMLU"): 1,
    ("Benchmark", "MMLU | {RESULT:mmlu}"): 1,
    ("Benchmark", "MMLU | {RESULT:mmlu_philosophy}"): 3,
    ("Benchmark", "MMLU | {RESULT:mmlu (4 of its parts)}"): 3,
    ("Benchmark", "MMLU (4 of its parts)"): "0.430",
    ("Benchmark", "MMLU (4 subjects)"): "0.430",
    ("Benchmark", "MMLU (4/57 subjects)"): "0.430",
    ("Benchmark", "MMLU (5 subjects)"): 1,
    ("Benchmark", "MMLU (57 subjects)"): 1,
    ("Benchmark", "MMLU philosophy"): "0.450",
    ("Benchmark", "mmlu_philosophy"): "0.450",
    ("Benchmark", "MMLU: prehistory (5-shot)"): "0.480",
    ("Benchmark | Subject", "MMLU | virology"): "0.390",
    ("Benchmark | Subset", "MMLU | astronomy"): 1,
    ("Benchmark", "MMLU astronomy"): 1,
    ("Benchmark", "text | {RESULT:mmlu_philosophy}"): "0.450",
    ("Benchmark", "MMLU (4 subjects) | {RESULT:mmlu (4 of its parts)}"): "0.430",
}


@pytest.mark.parametrize(("head", "row"), PART_ROWS)
def test_some_parts_of_a_benchmark_fill_rows_by_their_own_names_and_never_the_whole(head, row, ranking):
    assert answer(ranking, head, row) == PART_ROWS[head, row]


def test_what_cannot_be_filled_is_answered_with_the_names_that_can(ranking):
    def said(row: str, head: str = "Benchmark") -> str:
        with pytest.raises(bc.ScriptError) as caught:
            fill(ranking, table(head, f"{row} | {{RESULT}}"))
        return str(caught.value)

    assert "mmlu_philosophy" in said("MMLU")
    assert "mmlu (4 of its parts)" in said("MMLU")
    assert "gsm8k" in said("Astrology")
    flexible = said("GSM8K | maj@8", "Benchmark | Metric")
    assert "exact_match,strict-match (5-shot), exact_match,flexible-extract (5-shot)" in flexible
    assert "{RESULT:gsm8k/exact_match,flexible-extract}" in flexible
    assert "write {RESULT:gsm8k/exact_match,strict-match}" in said("GSM8K | CoT", "Benchmark | Setting")


def test_shots_that_the_prompts_contradict_fill_no_row_that_says_them(tmp_path):
    rank(tmp_path)
    for path in (tmp_path / "run" / "results").rglob("*.json"):
        record = json.loads(path.read_text())
        record["evaluation_results"][0].setdefault("generation_config", {}).setdefault("additional_details", {})[
            "examples_in_prompts"
        ] = "1"
        path.write_text(json.dumps(record))
    args = bc.build_parser().parse_args([str(tmp_path / "run"), "--draws", "0", "--result-id", *CHOSEN])
    ranking = bc.make_ranking(args, MAPPING)
    for row in ("GSM8K (5-shot)", "GSM8K (1-shot)", "GSM8K (flexible, 5-shot)", "HellaSwag (0-shot)"):
        assert answer(ranking, "Benchmark", row) == 3
    assert answer(ranking, "Benchmark", "GSM8K") == "0.460"


def test_benchmarks_says_what_ranks_and_not_what_a_card_holds(tmp_path):
    ranking = rank(tmp_path, "--benchmarks", "ifeval,humaneval")
    assert set(ranking.benchmarks) == {"ifeval", "humaneval"}
    assert answer(ranking, "Benchmark | Metric", "GSM8K | flexible") == "0.490"
    assert answer(ranking, "Benchmark", "HellaSwag") == "0.610"
    assert answer(ranking, "Benchmark", "BoolQ") == 3  # with 0 or 5 shots
    assert answer(ranking, "Benchmark", "MMLU") == 1
    assert answer(ranking, "Benchmark", "IFEval") == "0.570"


def test_empty_cells_stay_and_it_is_said(ranking):
    card = "| Benchmark | Base | Ours |\n|---|---|---|\n"
    card += "| GSM8K |  | {RESULT} |\n| SQuAD | 1 | TBD |\n| X | | |\n| IFEval | | |\n"
    text, remarks = bc.fill_card(card, ranking, MAPPING, unit="proportion")
    assert text == card.replace("{RESULT}", "0.460")
    assert remarks == [f"line {n}, 'Ours' stays empty: only {{RESULT}} is filled" for n in (4, 6)]
    with pytest.raises(bc.ScriptError, match=r"put \{RESULT\} into its cells: line 3, 'Base' stays empty") as caught:
        fill(ranking, card.replace("{RESULT}", "46.0"))
    assert caught.value.code == 1
