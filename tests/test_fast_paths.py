"""evaluation_manager.py: what is done to be quick must not change what is read."""

from __future__ import annotations

import dataclasses
import json
import re
import unicodedata
from pathlib import Path

import evaluation_manager as manager
import pytest
from cmarkgfm import cmark
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from thoroughness import examples

PATIENT = settings(max_examples=examples(200), deadline=None, suppress_health_check=[HealthCheck.too_slow])
SIGNS = st.characters(min_codepoint=32, max_codepoint=126)
PIECES = (
    *("MMLU", "Foo", "7b", "é", " ", ",", "(", ")", "（val）", "[a]", "5-shot", "zero ſhot", "CoT", "chain of thought"),
    *(
        "pass@1",
        "maj^8",
        "/acc",
        "_at_",
        "rating",
        "pre-trained",
        "2.0",
        "2_5",
        "non-thinking",
        "bf16",
        "half precision",
    ),
)
VOCABULARY = manager.build_vocabulary(manager.read_mapping())
NAMES = ("GSM8K", "HellaSwag", "Drop", "nq", "NQ", "MMLU-Pro", "Big Bench Hard", "AIME 2024", "mt bench", "Human Eval+")
LABELS = st.lists(st.sampled_from(PIECES), max_size=6).map("".join) | st.text(max_size=20)


# --- Markdown ---


def rendered(text: str) -> list[object]:
    """The tables and headings of a text as GitHub's own parser renders them."""
    html = cmark.github_flavored_markdown_to_html(text, options=cmark.Options.CMARK_OPT_UNSAFE)
    found: list[object] = []
    for element in manager.parse_html(html).iter("table", *manager._HEADINGS):
        rows = [[seen("".join(cell.itertext())) for cell in row] for row in element.iter("tr")]
        found.append(rows if element.tag == "table" else seen("".join(element.itertext())))
    return [item for item in found if item]


def ours(text: str) -> list[object]:
    found: list[object] = []
    for kind, _, content in manager.read_blocks(text):
        if kind == "pipe":
            found.append([[seen(cell.source) for cell in row] for row in content[0]])
        elif kind == "heading":
            found.append(seen(content))
    return [item for item in found if item]


def seen(text: str) -> str:
    return " ".join(re.sub(r"</?[a-z]+>|[`<>]|\\\\(?=\\|)", "", text).split())


MARGINS = [
    ("", ""),
    ("", ""),
    ("> ", "> "),
    (">", ">"),
    ("- ", "  "),
    ("1. ", "   "),
    ("> - ", ">   "),
    ("- > ", "  > "),
    ("  ", " "),
]
BEFORE = [
    "",
    "text",
    "two\nlines",
    "a, b",
    "word | word",
    "# Head",
    "***",
    "<!-- note -->",
    "```\n| x | y |\n|---|---|\n```",
    "|",
]
HEADS = [
    "| a | b |\n|---|---|",
    "a | b\n--|--",
    "|a|b|\n|:-:|--:|",
    "a | \\| b\n:-- | ---",
    "| a | b |\n| - | - |",
    "`a|b`\n-|-",
]
ROWS = [
    "| 1 | 2 |",
    "1 | 2",
    "| 3",
    "| 4 | 5 | 6 |",
    "|  | 7 |",
    "8 \\| 9 | é",
    "||",
    "words",
    "| `x|y` | z |",
    "===",
    "#no",
    "<u>7</u> | 8",
]
BEHIND = [
    "",
    "\ntext",
    "# Head",
    "> text",
    "- item",
    "2. two",
    "-",
    "***",
    "---",
    "```\n| x | y |\n```",
    "    | code | x |",
    "<br>",
    "<div>\n| 1 | 2 |\n</div>",
    "</b>\n| 3 | 4 |",
    "<https://a.b>",
    "\n| a | b |\n|---|---|",
]


def placed(margin: tuple[str, str], *blocks: str) -> str:
    lines = "\n".join(block for block in blocks if block).split("\n")
    return "\n".join((margin[1] if number else margin[0]) + line for number, line in enumerate(lines))


DOCUMENTS = st.lists(
    st.builds(
        placed,
        st.sampled_from(MARGINS),
        st.sampled_from(BEFORE),
        st.sampled_from(HEADS),
        st.lists(st.sampled_from(ROWS), max_size=4).map("\n".join),
        st.sampled_from(BEHIND),
    ),
    min_size=1,
    max_size=3,
).map("\n\n".join)


@settings(PATIENT, max_examples=examples(600))
@given(DOCUMENTS)
def test_tables_and_headings_are_those_that_github_renders(text):
    assert ours(text) == rendered(text)


@settings(PATIENT, max_examples=examples(400))
@given(
    DOCUMENTS | st.lists(st.sampled_from([*HEADS, *ROWS, *BEHIND, "| a > | b |", "| [x | y |", '| "z"'])).map("\n".join)
)
def test_rows_that_the_parser_does_not_look_at_change_no_block(text):
    source = text.encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manager, "_ROWS", re.compile(rb"(?!)()"))
        whole = list(manager.markdown_blocks(source))
    assert list(manager.markdown_blocks(source)) == whole


# --- what stands behind the last table ---

BEGINS = ["", "", "", "  ", "    ", "- ", "* ", "1. ", "12) ", "> ", "  - ", "    - ", "# ", "## ", "-", "\t"]
RESTS = [
    "text", "a | b", "|a|b|", "|-|-|", "--|--", "", "", "**Bold**", "`code`", "```", "***", "---", "===", "word:", "é",
    "<div>", "</div>", "<table><tr><td>x</table>", "<!-- x", "-->", "(see", "* * *", "[x](y)", "# x #",
]  # fmt: skip
BLOCKS = st.lists(st.tuples(st.sampled_from(BEGINS), st.sampled_from(RESTS)).map("".join), max_size=14).map("\n".join)


@settings(PATIENT, max_examples=examples(400))
@given(BLOCKS, BLOCKS)
def test_what_is_not_parsed_behind_the_last_table_changes_none(text, behind):
    text = f"# Foo-7B\n\n{text}\n\n" + re.sub(r"[|<>]", "", behind) + "\n\nend\n" * 3

    def tables(most: int) -> list[object]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(manager, "TEXT_BEHIND", most)
            found = manager.parse_card(text).tables
        return [([[c.source for c in row] for row in t.rows], t.headings, t.before, t.caption) for t in found]

    assert tables(3) == tables(10_000)


def test_tables_that_begin_inside_of_one_another_s_paragraphs_are_refused_when_too_deep():
    def nested(depth: int) -> str:
        lines = ("x", "y | z", "--|--", "1 | 2", "2. x")
        return "\n".join("   " * level + line for level in range(depth) for line in lines)

    assert ours(nested(5)) == rendered(nested(5)) == [[["y", "z"], ["1", "2"]]] * 5
    with pytest.raises(manager.ScriptError, match="nothing is taken"):
        manager.parse_card(nested(20))


def test_a_pipe_table_without_measure_is_refused_not_cut():
    with pytest.raises(manager.ScriptError, match="nothing is taken"):
        manager.parse_card("|a" * 3000 + "\n" + "|-" * 3000 + "\n" + "|1\n" * 1000)


# --- numbers ---


@PATIENT
@given(st.text("0123456789.,", max_size=16), st.booleans())
def test_a_plain_number_is_the_value_that_the_whole_parser_gives(text, decimal_comma):
    quick = manager.parse_value(text, decimal_comma)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manager, "is_decimal", lambda text: None)
        assert manager.parse_value(text, decimal_comma) == quick
    if manager.is_decimal(text):
        assert quick is not None  # so that a cell counts as scored before it is parsed


@PATIENT
@given(st.text(SIGNS, max_size=12) | LABELS, st.booleans())
def test_what_are_words_at_a_first_look_is_no_value(text, decimal_comma):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manager, "_are_words", lambda text: None)
        whole = manager.cell_kinds([text], decimal_comma)
    assert manager.cell_kinds([text], decimal_comma) == whole


def test_a_number_with_all_its_digits_is_a_score():
    assert manager.parse_value("0.7891472868217054").numbers == (0.7891472868217054,)
    assert manager.parse_value("20240513123456789") is None  # a time stamp


# --- labels ---


@PATIENT
@given(LABELS)
def test_a_label_that_seems_to_say_no_more_than_a_name_says_no_more(text):
    if not manager._SAYS_MORE.search(text):
        patterns = (manager._BRACKET, manager._SHOT, manager._COT_TAIL, manager._AT_K, manager._SLASH_METRIC)
        assert not any(pattern.search(text) for pattern in (*patterns, manager._TOOL_TAIL))


@PATIENT
@given(st.text("ab \\*_~", max_size=16))
def test_emphasis_goes_as_its_plain_pattern_says(text):
    plain = r"(?<!\\)\*\*(?=\S)|(?<=[^\s\\])\*\*|(?<![\w\\])__(?=\S)|(?<=[^\s\\])__(?!\w)"
    assert manager._EMPHASIS.sub("", text) == re.sub(plain, "", text)


SAID = (
    *(
        "± ",
        "mean ± std",
        "with standard errors",
        "S.E.",
        "sd",
        "sem",
        "use ",
        "(±",
        "+/-",
        "exact match",
        "EM",
        "Acc.",
    ),
    *(
        "1 - accuracy",
        "word error rate",
        "WER (WER)",
        "bold is best result",
        "100%",
        "(%)",
        "i.e. ",
        "as follows",
        "Q-",
    ),
    *(
        "higher is better",
        "a temperature of 0.6",
        "May 2024",
        "(pretrained=x",
        "1−",
        "越低越好",
        "not solved",
        "failed",
    ),
)
PROSE = st.lists(st.sampled_from((*SAID, *PIECES)), max_size=8).map("".join)


@settings(PATIENT, max_examples=examples(600))
@given(PROSE)
def test_a_first_look_at_a_text_misses_nothing_that_is_looked_for(text):
    spread, phrases = manager._SPREAD.sub(" ", text), manager._PLAIN_PHRASES.sub(" ", text)
    assert manager.without_spread(text) == spread
    assert phrases == text or manager._MAY_BE_PHRASE.search(text.lower())
    assert manager._MEASURE_SAID.search(text) or not any(said.search(text) for said, _ in manager.MEASURES_SAID)


class Everything(frozenset):
    """In which all is."""

    def __contains__(self, item: object) -> bool:
        return True


@settings(PATIENT, max_examples=examples(600))
@given(st.lists(st.sampled_from((*NAMES, *PIECES, " ", "-", " the ", "τ²")), max_size=8).map("".join))
def test_benchmarks_are_found_wherever_a_name_may_begin(text):
    slow = dataclasses.replace(VOCABULARY, starts=Everything())
    assert manager.benchmarks_in(text, VOCABULARY) == manager.benchmarks_in(text, slow)


@PATIENT
@given(st.text(max_size=20) | LABELS)
def test_a_name_is_folded_alike_by_letters_and_as_a_whole(text):
    whole = unicodedata.normalize("NFKC", text).casefold().replace("+", "plus")
    assert manager.normalize_name(text) == re.sub(r"[\W_]+", "", whole)


@PATIENT
@given(st.sampled_from(["telling", "about_table", "plain_phrases", "benchmark_shapes"]), PROSE)
def test_alternatives_by_their_first_letters_find_the_same(name, text):
    told = manager.CARD_WORDS[name]
    plain = told if isinstance(told, str) else "|".join(told)
    grouped = manager.by_first_letter([told] if isinstance(told, str) else told)
    begins = [match.start() for match in re.finditer(rf"(?=\b(?:{plain}))", text.lower())]
    assert begins == [match.start() for match in re.finditer(rf"(?=\b(?:{grouped}))", text.lower())]


# --- HTML ---


def test_a_tag_left_open_takes_no_table_with_it():
    table = "\n\n| Benchmark | Foo-7B |\n|---|---|\n| MMLU | 1.5 |\n\n"
    for opened in ("<div>\n</td", '<div>\n<a href="x', "<div>\n<b"):
        card = manager.parse_card(f"{opened}{table}text{table}<table><tr><td>a</table>\n")
        assert [found.kind for found in card.tables] == ["pipe", "pipe", "html"], opened


def test_the_script_s_own_marks_in_a_card_do_no_harm():
    for mark in ('<x-place n="99"></x-place>', '<x-place n=""></x-place>', "<x-place>", '<x-place n="é">'):
        card = manager.parse_card(
            f"<table><tr><td><b>{mark}a</b><td>{mark}</table>\n\ntext {mark}\n\n<div>{mark}</div>\n"
        )
        assert [found.kind for found in card.tables] == ["html"], mark


# --- lines of samples ---

SAMPLE = st.dictionaries(
    st.sampled_from(["a", "b", "a:b", "é"]), st.none() | st.integers(-9, 9) | st.just(":") | st.just({"a": [1.5]})
)
LINE = SAMPLE.map(json.dumps) | st.sampled_from(
    [
        *('{"a": 1, "a": 2}', '{"a\\u003A": 1}', '{"\\u0061": 1, "a": 2}', '{"a": {"b": 1, "b": 1}}', '{"a": NaN}', ""),
        *(' {"a": 1}\r', '{"a": 1}, {"b": 2}', '{"c": [{}', "{}]}", "[1]", "1", "{", "\ufeff{}", '{"a": "\\ud800"}'),
        '{"a": {"b": ":\\u003a", "b": 1}}',
    ]
)


@PATIENT
@given(st.lists(LINE, max_size=5), st.booleans())
def test_lines_of_samples_parsed_at_once_are_those_read_one_by_one(lines, ended):
    content = ("\n".join(lines) + "\n" * ended).encode()

    def one_by_one() -> list[object]:
        return list(manager.rows_one_by_one(Path("x"), content, None))

    at_once = manager.json_values(content)
    if at_once is not None and all(isinstance(row, dict) for row in at_once):
        assert at_once == one_by_one()
    if lines and all(re.fullmatch(r"\{[^\\{}]*\}", line) and line.count('"a"') < 2 for line in lines):
        assert at_once is not None or "NaN" in content.decode()  # the quick way is taken
