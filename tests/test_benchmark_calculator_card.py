"""benchmark_calculator.py: filling a model card. Only placeholders change."""

from __future__ import annotations

import json
import os
import re
import time
from dataclasses import replace
from pathlib import Path, PurePosixPath

import benchmark_calculator as bc
import evaluation_manager
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from test_benchmark_calculator import STEP_500, add_record, call, make_run, ranked, refused, tree

MAPPING = bc.read_vocabulary()


def best_of(scores: dict[str, bc.Estimate], name: str = "step_500", step: int | None = 500) -> bc.Ranked:
    checkpoint = bc.Checkpoint(name, Path(name), step)
    return bc.rank_one(checkpoint, scores, MAPPING, bc.Options())


FORMULA = best_of(bc.step_formula_scores(500))
MEASURED = best_of(
    {
        "gsm8k": bc.Estimate(0.6, 0.05, 100, shots=5),
        "mmlu": bc.Estimate(0.25),
        "flores": bc.Estimate(41.5, unit="points"),
    }
)


def ranking_of(best: bc.Ranked) -> bc.Ranking:
    """A ranking of which a checkpoint is the best, and another one tied."""
    other = replace(best, checkpoint=bc.Checkpoint("step_400", Path("step_400"), 400))
    return bc.Ranking("measured", "mean", (), (other, best), best, (best, other), (), harnesses=("lighteval 0.13.0",))


def fill(text: str, best: bc.Ranked = MEASURED, columns: tuple[str, ...] = (), unit: str | None = None) -> str:
    return bc.fill_card(text, ranking_of(best), MAPPING, columns, unit)[0]


def refuses(text: str, code: int = 1, best: bc.Ranked = MEASURED, columns: tuple[str, ...] = ()) -> str:
    with pytest.raises(bc.ScriptError) as caught:
        fill(text, best, columns)
    assert caught.value.code == code
    assert "\n" not in str(caught.value)
    return str(caught.value)


REFERENCE_CARD = """\
---
license: apache-2.0
---
# MyModel

| | Benchmark | Model1 | Model2 | Model1-v2 | MyModel |
|---|---|---|---|---|---|
| **Core Reasoning Tasks** | Math Reasoning | 0.510 | 0.535 | 0.521 | {RESULT} |
| | Logical Reasoning | 0.789 | 0.801 | 0.810 | {RESULT} |
| | Common Sense | 0.716 | 0.702 | 0.725 | {RESULT} |
| **Language Understanding** | Reading Comprehension | 0.671 | 0.685 | 0.690 | {RESULT} |
| | Question Answering | 0.582 | 0.599 | 0.601 | {RESULT} |
| | Text Classification | 0.803 | 0.811 | 0.820 | {RESULT} |
| | Sentiment Analysis | 0.777 | 0.781 | 0.790 | {RESULT} |
| **Generation Tasks** | Code Generation | 0.615 | 0.631 | 0.640 | {RESULT} |
| | Creative Writing | 0.588 | 0.579 | 0.601 | {RESULT} |
| | Dialogue Generation | 0.621 | 0.635 | 0.639 | {RESULT} |
| | Summarization | 0.745 | 0.755 | 0.760 | {RESULT} |
| **Specialized Capabilities**| Translation | 0.782 | 0.799 | 0.801 | {RESULT} |
| | Knowledge Retrieval | 0.651 | 0.668 | 0.670 | {RESULT} |
| | Instruction Following | 0.733 | 0.749 | 0.751 | {RESULT} |
| | Safety Evaluation | 0.718 | 0.701 | 0.725 | {RESULT} |

Best: {RESULT:checkpoint} (step {RESULT:step}), overall {RESULT:eval_accuracy}, math {RESULT:math_reasoning}.
"""


def test_the_reference_card():
    expected = REFERENCE_CARD
    for value in STEP_500.values():
        expected = expected.replace("{RESULT}", f"{value:.3f}", 1)
    overall = f"{sum(STEP_500.values()) / 15:.3f}"
    for name, value in (
        ("checkpoint", "step_500"),
        ("step", "500"),
        ("eval_accuracy", overall),
        ("math_reasoning", "0.467"),
    ):
        expected = expected.replace(f"{{RESULT:{name}}}", value)
    assert fill(REFERENCE_CARD, FORMULA) == expected


@pytest.mark.parametrize(
    "row",
    [
        "| GSM8K | {RESULT} |",
        "| **GSM8K** | {RESULT} |",
        "| `gsm8k` | {RESULT} |",
        "| [GSM8K](https://example.org/a|b) | {RESULT} |".replace("|b", ""),
        "| [GSM8K][1] | {RESULT} |",
        "| Grade School Math 8K | **{RESULT}** |",
        "| gsm-8k | `{RESULT}` |",
        "| GSM8K (5-shot) | {RESULT} |",
        "| GSM8K (exact match) | *{RESULT}* |",
        "| <b>GSM8K</b> | {RESULT} |",
        "| GSM8K \\| math | {RESULT:gsm8k} |",
        "|GSM8K|{RESULT}|",
        "GSM8K | {RESULT}",
    ],
)
def test_rows_that_name_gsm8k(row):
    card = f"| Benchmark | Ours |\n|---|---|\n{row}\n\n[1]: https://example.org\n"
    assert fill(card) == card.replace("{RESULT}", "0.600").replace("{RESULT:gsm8k}", "0.600")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("| Astrology | {RESULT} |", "the row “Astrology” names no benchmark that was measured or is known"),
        ("| | {RESULT} |", "names no benchmark"),
        ("| DROP | {RESULT} |", "no score for drop, which the row “DROP” asks for"),
        ("| GSM8K \\| MMLU | {RESULT} |", "names no benchmark"),
        ("| GSM8K (0-shot) | {RESULT} |", "says 0-shot, but it was measured with 5 shots"),
        ("| {RESULT} | {RESULT} |", "several columns"),
    ],
)
def test_rows_that_cannot_be_filled(row, message):
    code = 3 if "several" in message else 1
    assert message in refuses(f"| Benchmark | Ours |\n|---|---|\n{row}\n", code)


def test_a_row_may_name_its_category_too():
    card = "| Category | Benchmark | Ours |\n|---|---|---|\n| Math Reasoning | GSM8K | {RESULT} |\n"
    assert "| GSM8K | 0.600 |" in fill(card)
    assert "names several benchmarks (mmlu, gsm8k)" in refuses(card.replace("Math Reasoning", "MMLU"))


def test_no_harness_name_is_taken_for_a_benchmark():
    """`med_qa` is only HELM's name for MedQA's entry: cards are read with names and aliases alone."""
    own = {bc.normalize_name(n) for key, e in MAPPING.entries.items() for n in (key, e["name"], *e["aliases"])}
    assert set(MAPPING.names) == own


@pytest.mark.parametrize(
    "card",
    [
        "> | B | Ours |\n> |---|---|\n> | GSM8K | {RESULT} |\n",
        "- item\n\n  | B | Ours |\n  |---|---|\n  | GSM8K | {RESULT} |\n",
        "| B | Ours |\r\n|---|---|\r\n| GSM8K | {RESULT} |\r\n",
        "| B | Ours |\r|---|---|\r| GSM8K | {RESULT} |\r",
        "\ufeff| B | Ours |\n|---|---|\n| GSM8K | {RESULT} |\n",
        "| B | Ours |\n|---|---|\n| GSM8K | {RESULT} |",
        "| B | Ours |\n|:--|--:|\n| GSM8K | {RESULT}\n| other \u2028 \x0b line | 1 |\nrest  \n\n\n",
        "| B | Ours |\n|---|---|\n| GSM8K | {RESULT} | too | many |\n",
    ],
)
def test_every_other_byte_stays(card):
    assert fill(card).encode() == card.encode().replace(b"{RESULT}", b"0.600")


def test_several_tables_one_column():
    card = "| B | Ours |\n|---|---|\n| GSM8K | {RESULT} |\n\ntext\n\n| Task | Ours |\n|---|---|\n| MMLU | {RESULT} |\n"
    assert fill(card) == card.replace("{RESULT}", "0.600", 1).replace("{RESULT}", "0.250")


def test_several_columns_are_a_choice():
    card = "| B | Base | **Chat** |\n|---|---|---|\n| GSM8K | {RESULT} | {RESULT} |\n"
    assert "several columns: 'Base', 'Chat'; choose with --card-column" in refuses(card, 3)
    text, remarks = bc.fill_card(card, ranking_of(MEASURED), MAPPING, ["chat"])
    assert text == "| B | Base | **Chat** |\n|---|---|---|\n| GSM8K | {RESULT} | 0.600 |\n"
    assert remarks == ["line 3: {RESULT} in column 'Base' stays as it is"]
    assert fill(card, columns=("Base", "Chat")) == card.replace("{RESULT}", "0.600")
    assert "the card's columns with {RESULT} are 'Base', 'Chat'" in refuses(card, 2, columns=("B",))
    same = card.replace("**Chat**", "Base")
    assert "'Base (column 2)', 'Base (column 3)'" in refuses(same, 3)
    assert fill(same, columns=("Base (column 3)",)).endswith("| {RESULT} | 0.600 |\n")
    assert "'column 2', 'column 3'" in refuses(card.replace("Base", "").replace("**Chat**", ""), 3)


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("at {RESULT:gsm8k}.", "at 0.600."),
        ("{RESULT:GSM8K}", "0.600"),
        ("{RESULT: Math Reasoning }", "0.600"),
        ("{RESULT:mmlu}{RESULT:mmlu}", "0.2500.250"),
        ("{RESULT:FLORES-200}", "41.500"),
        ("{RESULT:step}", "500"),
        ("{RESULT:eval_accuracy}", "0.425"),
        ("---\nvalue: {RESULT:gsm8k}\n---\n```\n{RESULT:gsm8k}\n```\n", "---\nvalue: 0.600\n---\n```\n0.600\n```\n"),
        ("<td>{RESULT:gsm8k}</td> <!-- {RESULT:step} -->", "<td>0.600</td> <!-- 500 -->"),
        ("{RESULTS} {result} {RESULT:step} { RESULT }", "{RESULTS} {result} 500 { RESULT }"),
    ],
)
def test_named_placeholders_work_anywhere(text, filled):
    assert fill(text) == filled


def test_named_placeholders_without_a_value():
    assert "{RESULT:gsm9k} has no value (did you mean gsm8k?)" in refuses("{RESULT:gsm9k}")
    assert "{RESULT:drop} has no value" in refuses("{RESULT:drop}")
    assert "{RESULT:step} has no value" in refuses(
        "{RESULT:step}", best=best_of({"gsm8k": bc.Estimate(0.5)}, step=None)
    )


def test_bare_placeholders_outside_tables():
    assert "line 3: {RESULT} stands outside a pipe table's row" in refuses("a\n\nscore {RESULT}\n")
    card = "```\n| GSM8K | {RESULT} |\n```\n\n    {RESULT}\n\n{RESULT:gsm8k}\n"
    text, remarks = bc.fill_card(card, ranking_of(MEASURED), MAPPING)
    assert text == card.replace("{RESULT:gsm8k}", "0.600")
    assert [r.split(":")[0] for r in remarks] == ["line 2", "line 5"]
    for empty in ("", "# Card\n", "```\n{RESULT}\n```\n"):
        assert "has no {RESULT} placeholder to fill" in refuses(empty)


CARD_UNIT_CASES = {
    "| B | Other | Ours |\n|---|---|---|\n| GSM8K | 53.5 | {RESULT} |\n": "60.0",
    "| B | Accuracy (%) |\n|---|---|\n| GSM8K | {RESULT} |\n": "60.0",
    "| B | Ours |\n|---|---|\n| GSM8K (%) | {RESULT} |\n": "60.0",
    "| B | Ours |\n|---|---|\n| GSM8K | {RESULT} % |\n": "60.0 %",
    "| B | Ours |\n|---|---|\n| GSM8K | {RESULT}% |\n": "60.0%",
    "| B | Ours |\n|---|---|\n| DROP | 8.00 |\n| X | 57.30 |\n| GSM8K | {RESULT} |\n": "60.00",
    "| B | Ours |\n|---|---|\n| DROP | 0.08 |\n| GSM8K | {RESULT} |\n": "0.60",
    "| B | Shots | Ours |\n|---|---|---|\n| GSM8K | 5 | {RESULT} |\n": "0.600",
    "| B | Ours |\n|---|---|\n| Perplexity (WikiText) | 8.52 |\n| GSM8K | {RESULT} |\n": "0.600",
    "| B | Ours |\n|---|---|\n| FLORES | {RESULT} |\n": "41.500",
    "It solves {RESULT:gsm8k} % of GSM8K.\n": "It solves 60.0 % of GSM8K.",
    "It solves {RESULT:gsm8k} of GSM8K.\n": "It solves 0.600 of GSM8K.",
}


@pytest.mark.parametrize("card", CARD_UNIT_CASES)
def test_a_score_is_written_in_the_unit_of_its_place(card):
    assert CARD_UNIT_CASES[card] in fill(card)


def test_an_unclear_unit_is_asked():
    card = "| B | Accuracy (%) | Other |\n|---|---|---|\n| GSM8K | {RESULT} | 0.53 |\n"
    assert "--card-unit percent or --card-unit proportion" in refuses(card, 3)
    assert "| 60.0 |" in fill(card, unit="percent")
    assert "| 0.600 |" in fill(card, unit="proportion")


UNIT_SCORES = {
    "gsm8k": (bc.Estimate(0.6135, 0.01, 1000), "GSM8K", 61.35),
    "librispeech": (bc.Estimate(0.0477, 0.002, 2000, metric="wer", lower_is_better=True), "LibriSpeech WER", 4.77),
    "wmt14": (bc.Estimate(27.31, 0.5, 3000, unit="points", metric="bleu"), "WMT14 BLEU", 27.31),
    "my_mos": (bc.Estimate(4.213, 0.05, 200, unit="points", metric="mos"), "My MOS", None),
    "wikitext": (bc.Estimate(8.517, None, 60, unit="perplexity", lower_is_better=True), "WikiText perplexity", None),
}
UNIT_STYLES = {  # how a card shows its unit, with percent and without
    "header": ("| Benchmark | Ours (%) |\n|---|---|\n| {row} | {value} |\n", True),
    "behind": ("| Benchmark | Ours |\n|---|---|\n| {row} | {value} % |\n", True),
    "percents": (
        "| Benchmark | Ours |\n|---|---|\n| MMLU | 71.25 |\n| BoolQ | 82.51 |\n| {row} | {value} |\n",
        False,
    ),
    "proportions": (
        "| Benchmark | Ours |\n|---|---|\n| MMLU | 0.7125 |\n| BoolQ | 0.8251 |\n| {row} | {value} |\n",
        False,
    ),
}


@pytest.mark.parametrize("style", UNIT_STYLES)
@pytest.mark.parametrize("key", UNIT_SCORES)
def test_a_filled_card_is_read_back_to_the_same_result(key, style, tmp_path, capsys):
    """Accuracy, WER, BLEU, MOS and perplexity in each style; a MOS is no percentage, wherever the card says so.

    Names that are in no vocabulary are asked first.
    """
    score, row, percent = UNIT_SCORES[key]
    layout, says_percent = UNIT_STYLES[style]
    card = "# M\n\n## Evaluation\n\n" + layout.format(row=row, value=f"{{RESULT:{key}}}")
    best = best_of({name: own for name, (own, _, _) in UNIT_SCORES.items()})
    if says_percent and percent is None:
        assert f"and {key} is in {score.unit}: take the % away" in refuses(card, best=best)
        return
    path = tmp_path / "README.md"
    path.write_text("---\nlicense: mit\n---\n" + fill(card, best))
    words = ["extract-readme", "--card", str(path), "--repo-id", "me/m", "--all-tables", "--json"]
    if percent is None:
        assert evaluation_manager.main(words) == 3 and f"'{row}' may be no benchmark's name" in capsys.readouterr().err
        reading = f"{{table: 1, column: 1, label: Ours, benchmark: {{2: {row}}}}}"
        (tmp_path / "selection.yaml").write_text(f"readings:\n- {reading}\n")
        words[words.index("--all-tables")] = f"--selection={tmp_path / 'selection.yaml'}"
    assert evaluation_manager.main(words) == 0
    read = json.loads(capsys.readouterr().out)["results"][-1]
    as_percent = percent is not None and (style != "proportions" or score.unit == "points")
    assert read["value"] == pytest.approx(percent if as_percent else score.value, abs=0.051)
    assert (read["unit"] == "percent") == (style == "behind")


def test_own_benchmarks_fill_rows_by_their_own_name():
    best = best_of({"my_quiz": bc.Estimate(0.4175)})
    assert "| 0.418 |" in fill("| B | Ours |\n|---|---|\n| My Quiz | {RESULT} |\n", best)
    assert fill("{RESULT:my_quiz}\n", best) == "0.418\n"


def test_what_is_known_of_a_score_and_of_the_choice():
    best = best_of({"gsm8k": bc.Estimate(0.6, 0.05, 100, interval=bc.Interval(0.5, 0.69, "Wilson"))})
    assert fill("{RESULT:gsm8k} ({RESULT:gsm8k:interval}, n = {RESULT:gsm8k:n})\n", best) == (
        "0.600 (0.500 to 0.690, n = 100)\n"
    )
    assert fill("{BEST:checkpoint} of {BEST:of}, tied: {BEST:tied}, by {BEST:harness}\n") == (
        "step_500 of 2, tied: step_400, by lighteval 0.13.0\n"
    )
    own = best_of({"geosum": bc.Estimate(0.4)})  # a benchmark, and the category that it makes
    assert refuses("{RESULT:gesum}\n", best=own).endswith("{RESULT:gesum} has no value (did you mean geosum?)")
    assert "{BEST:corrected} has no value" in refuses("{BEST:corrected}\n")
    assert "there is no color; there are: interval, error, n" in refuses("{RESULT:gsm8k:color}\n")
    assert "its interval is not known" in refuses("{RESULT:mmlu:interval}\n")


@pytest.mark.parametrize(
    "text",
    [
        "| B | O |\n|---|---|\n" + "| GSM8K | {RESULT} |\n" * 8_000,
        "| B | O |\n|---|---|\n| GSM8K | {RESULT} |\n\n" + "[" * 200_000,
        "| B | O |\n|---|---|\n| GSM8K | {RESULT} |\n\n" + "*a _b " * 50_000,
        "{RESULT:gsm8k} " * 100_000,
        "| B | O |\n|---|---|\n| GSM8K | {RESULT} |\n\n" + "{RESULT" * 200_000,
        "{RESULT:" + "a" * 1_000_000,
    ],
    ids=["rows", "brackets", "emphasis", "named", "broken", "endless"],
)
def test_huge_cards_take_seconds(text):
    begun = time.process_time()
    try:
        fill(text)
    except bc.ScriptError as error:
        assert error.code == 1
    assert time.process_time() - begun < 10


def test_many_problems_are_cut_short():
    begun = time.process_time()
    message = refuses("{RESULT:gsm9k} " * 50_000)
    assert time.process_time() - begun < 5
    assert message.count("gsm9k") == 5


# --- Properties -----------------------------------------------------------------------------------------------------

CELLS = st.text(
    st.characters(exclude_characters="|\r\n\\`{}[]<>&*_~", exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=12
)
WORDS = st.text(st.characters(exclude_characters="{}\r", exclude_categories=["Cs"]), max_size=60)


@settings(max_examples=150, deadline=None)
@given(
    before=WORDS,
    after=WORDS,
    others=st.lists(CELLS, min_size=1, max_size=3),
    rows=st.lists(st.sampled_from(["GSM8K", "**mmlu**", "`gsm8k`", "FLORES-200"]), min_size=1, max_size=6),
    newline=st.sampled_from(["\n", "\r\n", "\r"]),
    last=st.booleans(),
)
def test_putting_the_placeholders_back_gives_the_original(before, after, others, rows, newline, last):
    assume(
        not any(MAPPING.key(other) or re.search(r"\d", other) for other in others)
    )  # a number says the column's unit
    assume(not re.search(r"^\s*(```|~~~|<)", before, re.MULTILINE))  # would swallow the table
    width = len(others) + 2
    lines = ["", "| B |" + " o |" * len(others) + " Ours |", "|" + "---|" * width]
    lines += [f"| {row} | {' | '.join(others)} | {{RESULT}} |" for row in rows]
    card = (
        before + newline + newline.join(lines) + newline + newline + "{RESULT:step}" + after + (newline if last else "")
    )
    try:
        filled = fill(card)
    except bc.ScriptError as error:
        assert "outside a pipe table" in str(error)  # the text before it made something else of the table
        return
    pieces = re.split(r"\{RESULT(?::step)?\}", card)
    values = {"GSM8K": "0.600", "`gsm8k`": "0.600", "**mmlu**": "0.250", "FLORES-200": "41.500"}
    expected = "".join(a + b for a, b in zip(pieces, [*(values[row] for row in rows), "500", ""], strict=True))
    assert filled.encode() == expected.encode()


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("|{}RESULT:gsm8k step\n\r\t-`>*[]()\\"), max_size=200))
def test_any_text_is_filled_or_refused(text):
    try:
        filled = fill(text)
    except bc.ScriptError as error:
        assert error.code in (1, 3)
        return
    kept = [re.escape(part) for part in re.split(r"\{RESULT(?::[^{}\r\n|]{1,80})?\}", text)]
    assert re.fullmatch(r"(?:\{RESULT\}|0\.600|0\.250|0\.425|41\.500|500|step_500)".join(kept), filled, re.DOTALL)


# --- Prepare --------------------------------------------------------------------------------------------------------

CARD = "| B | Ours |\r\n|---|---|\r\n| GSM8K | {RESULT} |\r\nstep {RESULT:step}"
FILLED = "| B | Ours |\r\n|---|---|\r\n| GSM8K | 0.900 |\r\nstep 2"


@pytest.fixture
def run(tmp_path):
    run = make_run(tmp_path / "run", "step_1", "step_2")
    add_record(run, "step_1", "gsm8k", 0.4)
    add_record(run, "step_2", "gsm8k", 0.9)
    (tmp_path / "card.md").write_bytes(CARD.encode())
    return run


def prepare(capsys, run: Path, *more, card: str = "card.md") -> tuple[int, str, str]:
    out = run.parent / "out"
    return call(capsys, run, "--prepare", out, "--card", run.parent / card, *more)


def test_prepare(run, tmp_path, capsys):
    (run / "step_2" / "README.md").write_text("the trainer's own")
    (run / "step_2" / "sub").mkdir()
    (run / "step_2" / "sub" / "state.json").write_text("{}")
    (tmp_path / "figures" / "deep").mkdir(parents=True)
    (tmp_path / "figures" / "deep" / "a.png").write_bytes(b"png")
    (tmp_path / "LICENSE").write_text("mit")
    code, out, err = prepare(capsys, run, "--assets", tmp_path / "figures", tmp_path / "LICENSE", "--json", "--full")
    assert code == 0
    assert f"prepared step_2 in {tmp_path / 'out'} (6 files)" in err
    assert '"prepared"' in out
    assert tree(tmp_path / "out") == {
        "LICENSE": b"mit",
        "README.md": FILLED.encode(),
        "config.json": b"{}",
        "figures/deep/a.png": b"png",
        "model.safetensors": b"step_2",
        "sub/state.json": b"{}",
    }
    assert (tmp_path / "card.md").read_bytes() == CARD.encode()
    assert {p.name for p in tmp_path.iterdir()} == {"run", "card.md", "figures", "LICENSE", "out", ".out.prepared.json"}


@pytest.mark.parametrize("laid", ["a folder with links", "a link"])
def test_nothing_that_lies_in_the_way_is_prepared_or_written_through(run, tmp_path, capsys, laid):
    """A stranger can guess the name under which the repo is made."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "README.md").write_text("mine")
    place = tmp_path / f".out.{os.getpid()}.tmp"
    if laid == "a link":
        place.symlink_to(tmp_path / "mine")
    else:
        place.mkdir()
        (place / "README.md").symlink_to(tmp_path / "mine" / "README.md")
        (place / "evil.py").write_text("print()")
    assert prepare(capsys, run)[0] == 0
    assert (tmp_path / "mine" / "README.md").read_text() == "mine"
    assert (tmp_path / "out" / "README.md").is_file() and not (tmp_path / "out" / "evil.py").exists()


def test_prepare_twice_and_again_after_a_change(run, tmp_path, capsys):
    assert prepare(capsys, run)[0] == 0
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "out").iterdir()}
    assert prepare(capsys, run)[0] == 0
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "out").iterdir()} == before
    (tmp_path / "card.md").write_text("now {RESULT:gsm8k}")
    assert prepare(capsys, run)[0] == 0
    assert (tmp_path / "out" / "README.md").read_text() == "now 0.900"


def refuses_out(capsys, run: Path, *more, code: int = 2) -> str:
    """Refused, and nothing on disk has changed."""
    before = tree(run.parent)
    out = run.parent / "out"
    if code == 2:
        message = refused(capsys, run, "--prepare", out, "--card", run.parent / "card.md", *more)
    else:
        got, _, err = prepare(capsys, run, *more)
        assert got == code
        message = err.splitlines()[-1]
    assert tree(run.parent) == before
    return message


def test_an_out_that_it_did_not_make(run, tmp_path, capsys):
    (tmp_path / "out").mkdir()
    assert prepare(capsys, run)[0] == 0  # empty is fine
    (tmp_path / "out" / "config.json").write_text("mine")
    assert "config.json changed since it was prepared" in refuses_out(capsys, run)
    (tmp_path / "out" / "config.json").write_text("{}")
    (tmp_path / "out" / "new").touch()
    assert "new changed since it was prepared" in refuses_out(capsys, run)
    (tmp_path / ".out.prepared.json").write_text("[]")
    assert "is not empty and was not prepared here" in refuses_out(capsys, run)
    (tmp_path / ".out.prepared.json").unlink()
    assert "is not empty and was not prepared here" in refuses_out(capsys, run)


@pytest.mark.parametrize("kind", ["file", "link", "inside", "root"])
def test_impossible_outs(run, tmp_path, capsys, kind):
    out = {"file": tmp_path / "card.md", "link": tmp_path / "link", "inside": run / "step_2" / "x", "root": Path("/")}[
        kind
    ]
    (tmp_path / "link").symlink_to("nowhere")
    before = tree(tmp_path)
    refused(capsys, run, "--prepare", out, "--card", tmp_path / "card.md")
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    ("card", "code"),
    [("no placeholder", 1), ("{RESULT}", 1), ("{RESULT:mmlu}", 1), ("| a | b |\n|-|-|\n| {RESULT} | {RESULT} |", 3)],
)
def test_a_card_that_cannot_be_filled_writes_nothing(run, tmp_path, capsys, card, code):
    (tmp_path / "card.md").write_text(card)
    refuses_out(capsys, run, "--report", tmp_path / "r.md", "--figures", tmp_path / "f", code=code)
    got, out, _ = prepare(capsys, run)
    assert got == code
    assert "step_2 (best)" in out  # 1 and 3 print their answer
    assert not (tmp_path / "f").exists()


def test_cards_that_cannot_be_read(run, tmp_path, capsys):
    (tmp_path / "card.md").write_bytes(b"\xff{RESULT}")
    assert "not UTF-8 (byte 0)" in refuses_out(capsys, run)
    (tmp_path / "card.md").unlink()
    assert "No such file" in refuses_out(capsys, run)


def test_links_are_copied_as_files_or_refused(run, tmp_path, capsys):
    (run / "tokenizer.json").write_text("{}")
    (run / "step_2" / "tokenizer.json").symlink_to("../tokenizer.json")
    assert prepare(capsys, run)[0] == 0
    assert (tmp_path / "out" / "tokenizer.json").read_text() == "{}"
    assert not (tmp_path / "out" / "tokenizer.json").is_symlink()
    for target in (tmp_path / "card.md", "nowhere", "step_2.txt", tmp_path, "."):
        (run / "step_2" / "vocab.txt").symlink_to(target)
        assert "vocab.txt: a link that leads elsewhere is not copied" in refuses_out(capsys, run)
        (run / "step_2" / "vocab.txt").unlink()
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "x").symlink_to(tmp_path / "card.md")
    assert "figures/x: a link" in refuses_out(capsys, run, "--assets", tmp_path / "figures")


def test_collisions_and_missing_assets(run, tmp_path, capsys):
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "config.json").touch()
    assert "several files would become config.json" in refuses_out(
        capsys, run, "--assets", tmp_path / "assets" / "config.json"
    )
    assert "no such file or folder" in refuses_out(capsys, run, "--assets", tmp_path / "nothing")
    (tmp_path / "README.md").touch()
    assert "several files would become README.md" in refuses_out(capsys, run, "--assets", tmp_path / "README.md")


def test_no_space_and_failing_disks(run, tmp_path, capsys, monkeypatch):
    import resource
    import shutil
    import signal

    (run / "step_2" / "large.txt").write_bytes(bytes(3_000_000))
    with monkeypatch.context() as patched:
        usage = shutil.disk_usage(tmp_path)
        patched.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
        assert "no space: 3,000," in refuses_out(capsys, run)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, limits[1]))  # writing beyond fails, as on a full disk
    try:
        message = refuses_out(capsys, run)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "out: could not be prepared: File too large" in message
    assert prepare(capsys, run)[0] == 0


def test_a_failing_replacement_keeps_what_was_there(run, tmp_path, capsys, monkeypatch):
    assert prepare(capsys, run)[0] == 0
    (tmp_path / "card.md").write_text("now {RESULT:gsm8k}")
    real = Path.replace

    def failing(self, target):
        if self.name.endswith(".tmp") and Path(target).name == "out":
            raise PermissionError(13, "Permission denied")
        return real(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", failing)
        assert "could not be prepared: Permission denied" in refuses_out(capsys, run)
    assert (tmp_path / "out" / "README.md").read_bytes() == FILLED.encode()
    assert prepare(capsys, run)[0] == 0


# --- Secrets --------------------------------------------------------------------------------------------------------

TOKEN = "hf_" + "aB3" * 12


@pytest.mark.parametrize(
    "name",
    ["hf_token.txt", "HF_TOKEN", ".env", ".env.local", "sub/.env", ".netrc", "token", "token.txt", "hf-token",
     "stored_tokens", "id_rsa", "key.pem", ".ssh/config", "credentials.json", ".git-credentials", "hf_token.json"],
)  # fmt: skip
def test_files_named_like_secrets_are_left_out_and_named(run, tmp_path, capsys, name):
    path = run / "step_2" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(TOKEN)
    code, _, err = prepare(capsys, run)
    assert code == 0
    assert f"left out, they may hold secrets: {name}" in err
    assert TOKEN.encode() not in b"".join(tree(tmp_path / "out").values())


@pytest.mark.parametrize(
    "name",
    ["tokenizer.json", "tokenizer_config.json", "hf_tokenizer.json", "special_tokens_map.json", "added_tokens.json",
     "environment.yml", "tokenization_x.py", "token_counts.csv", "some_args.bin"],
)  # fmt: skip
def test_files_that_only_sound_like_secrets_are_kept(run, tmp_path, capsys, name):
    (run / "step_2" / name).write_text("{}")
    assert prepare(capsys, run, "--assets", run / "step_2" / name)[0] == 0  # code has to be named
    assert (tmp_path / "out" / name).is_file()


@pytest.mark.parametrize("where", ["config.json", "big.txt", "asset", "card", "name"])
def test_a_token_in_any_other_file_stops_everything(run, tmp_path, capsys, where):
    more = []
    if where == "card":
        (tmp_path / "card.md").write_text(CARD + TOKEN)
    elif where == "asset":
        (tmp_path / "a.txt").write_text(f"x={TOKEN}\n")
        more = ["--assets", tmp_path / "a.txt"]
    elif where == "name":
        (run / "step_2" / f"{TOKEN}.txt").touch()
    else:
        (run / "step_2" / where).write_bytes(b"hf_" * 10**5 + b"\x00" + TOKEN.encode() + bytes(10**5) + b"}")
    message = refuses_out(capsys, run, *more)
    assert "holds something like a Hub token; take it out. Nothing was sent" in message
    assert where == "name" or TOKEN not in message


def test_words_that_are_no_tokens(run, capsys):
    words = ["hf_hub_download", "hf_" + "x" * 29, "base64url" + "hf_" + "a" * 40, "hf_model_" + "a" * 20]
    (run / "step_2" / "notes.txt").write_text("\n".join(words))
    assert prepare(capsys, run)[0] == 0


def test_the_token_file_is_left_out_whatever_its_name(run, tmp_path, capsys):
    (run / "step_2" / "my notes").write_text(TOKEN)
    code, _, err = prepare(capsys, run, "--token-file", run / "step_2" / "my notes")
    assert (code, "left out, they may hold secrets: my notes" in err) == (0, True)


def test_dry_run_writes_nothing(run, tmp_path, capsys):
    before = tree(tmp_path)
    code, out, err = prepare(capsys, run, "--dry-run", "--json", "--full")
    assert (code, tree(tmp_path)) == (0, before)
    assert '"dry_run": true' in out
    assert "dry run: 3 files would be prepared in" in err
    assert "model.safetensors" in out


def test_auto_with_formulas_may_prepare_and_the_card_stays_as_written(tmp_path, capsys):
    run = make_run(tmp_path / "run", "step_500")
    (tmp_path / "card.md").write_text(REFERENCE_CARD)
    assert prepare(capsys, run)[0] == 0
    marked = (tmp_path / "out" / "README.md").read_text()
    assert marked.count("*Synthetic: computed from the step number of step_500 alone. Nothing was measured.*") == 2
    assert prepare(capsys, run, "--unmarked")[0] == 0
    text = (tmp_path / "out" / "README.md").read_text()
    assert text == fill(REFERENCE_CARD, FORMULA)
    assert "synthetic" not in text
    assert "model-index" not in text
    assert ranked(capsys, run)["score_source"] == "step-formula"


# --- Training state ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["wandb/run.sh", "latest/evil.so", "global_step1/x.ipynb", "trainer_state.html", "rng_state.exe", "wandb/x.PY"],
)
def test_what_runs_is_no_state_of_a_training(name):
    assert bc.is_training_state(PurePosixPath(name)) and not bc.is_data(PurePosixPath(name))


STATE = ("optimizer.pt", "scheduler.pt", "scaler.pt", "rng_state.pth", "rng_state_0.pth", "training_args.bin",
         "global_step20/a.pt", "random_states_0.pkl", "optimizer_0/a.pt", "trainer_state.json", "trainer_log.jsonl",
         "training_args.yaml", "events.out.tfevents.1764.host", "runs/Nov29/events.out.tfevents.1764.host.0",
         "wandb/run-1/files/config.yaml", "train.log", "logs/rank0.log", "slurm-4711.out", "nohup.out",
         "__0_0.distcp", "zero_pp_rank_0_mp_rank_00_optim_states.pt")  # fmt: skip
KEPT = (
    "catalog.json",
    "generation_config.json",
    "latest_news.md",
    "modeling_optimizer.txt",
    "sub/optimizer.parquet",
)


def with_state(run):
    for name in (*STATE, *KEPT):
        path = run / "step_2" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"state" if name in STATE else b'{"a": 1}' if name.endswith(".json") else b"state")


def test_training_state_is_left_out_and_said(run, tmp_path, capsys):
    with_state(run)
    code, _, err = prepare(capsys, run)
    there = set(tree(tmp_path / "out"))
    assert code == 0 and f"training state of {5 * len(STATE)} bytes" in err and "global_step20" in err
    assert not there & set(STATE) and set(KEPT) <= there


def test_training_state_is_kept_when_asked_for(run, tmp_path, capsys):
    with_state(run)
    code, _, err = prepare(capsys, run, "--keep-training-state")
    assert code == 0 and "training state" not in err
    assert {*STATE, *KEPT} <= set(tree(tmp_path / "out"))
