"""evaluation_manager.py: what is done to be quick must not change what is read."""

from __future__ import annotations

import json
import re
from pathlib import Path

import evaluation_manager as manager
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

PATIENT = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
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
LABELS = st.lists(st.sampled_from(PIECES), max_size=6).map("".join) | st.text(max_size=20)


# --- pipe tables ---


def stock_tables(text: str) -> list[list[list[str]]]:
    """The tables of a Markdown text, cell by cell, as markdown-it's own tokens have them."""
    tables: list[list[list[str]]] = []
    inside = False
    for token in MarkdownIt("commonmark").enable("table").disable("inline").parse(text):
        if token.type == "table_open":
            tables.append([])
            inside = True
        elif token.type == "table_close":
            inside = False
        elif token.type == "tr_open":
            tables[-1].append([])
        elif token.type == "inline" and inside:
            tables[-1][-1].append(token.content)
    return tables


def our_tables(text: str) -> list[list[list[str]]]:
    return [
        [[cell.source for cell in row] for row in rows] for kind, _, rows in manager.read_blocks(text) if kind == "pipe"
    ]


LINES = st.lists(
    st.lists(
        st.sampled_from(
            ["|", "|", " | ", "\\|", "\\\\|", "a", "1.5", " ", "-", ":-", "---", "`|`", "\\", "\t", "*", "é", "<b>"]
        )
        | st.sampled_from(["# ", "> ", "- ", "1. ", "```", "    ", "***", "<div>", "[a]: b"]),
        max_size=9,
    ).map("".join)
    | st.sampled_from(
        ["|---|---|", "| :-- | --: |", "--|--", "|-|-|-|", "| a | b |", "a | b", "> | a | b |", "> |--|--|"]
    ),
    max_size=12,
).map("\n".join)


@settings(PATIENT, max_examples=800)
@given(LINES)
def test_pipe_tables_are_those_of_markdown_it(text):
    assert our_tables(text) == stock_tables(text)


@pytest.mark.parametrize(
    "text",
    [
        "| a | b |\n|---|---|\n| 1 \\| 2 | `x|y` |\n| 3\n| 4 | 5 | 6 |\n|\n> | 7 | 8 |\n",
        "> | a | b |\n> |---|---|\n> | 1 | 2 |\n3 | 4\n",
        "- | a | b |\n  |---|---|\n  | 1 | 2 |\n\n      | 3 | 4 |\n",
        "a | b\n-|-\n1 | 2\n# heading\n3 | 4\n",
        "| a |\n|---|\n| \\| |\n| x \\\\| y |\n\n| a | b |\n|---|\n",
    ],
    ids=["escapes", "quote", "list", "without-outer-pipes", "one-column"],
)
def test_corner_cases_of_pipe_tables(text):
    assert our_tables(text) == stock_tables(text) != []


# --- plain lines, headings, and what stands behind the last table ---

BEGINS = ["", "", "", "  ", "    ", "- ", "* ", "1. ", "12) ", "> ", "  - ", "    - ", "# ", "## ", "-", "\t"]
RESTS = [
    "text", "a | b", "|a|b|", "|-|-|", "--|--", "", "", "**Bold**", "`code`", "```", "***", "---", "===", "word:", "é",
    "<div>", "</div>", "<table><tr><td>x</table>", "<!-- x", "-->", "(see", "* * *", "[x](y)", "# x #",
]  # fmt: skip
BLOCKS = st.lists(st.tuples(st.sampled_from(BEGINS), st.sampled_from(RESTS)).map("".join), max_size=14).map("\n".join)


def outline(text: str) -> list[object]:
    """Headings, tables and HTML of a text in order, and the words between them."""
    found: list[object] = []
    for kind, level, content in manager.read_blocks(text):
        if kind == "text":
            words = [word for word in re.findall(r"\w+", content) if not word.isdigit()]
            found += [] if found and isinstance(found[-1], list) else [[]]
            found[-1] += words
        else:
            rows = [[cell.source for cell in row] for row in content] if kind == "pipe" else content
            found.append((kind, level, rows))
    return [item for item in found if item != []]


@settings(PATIENT, max_examples=1500)
@example("# a | b\n|-|-|")
@given(BLOCKS)
def test_plain_lines_and_headings_are_those_of_markdown_it(text):
    quick = outline(text)
    with pytest.MonkeyPatch.context() as patch:
        slow = manager.markdown_parser.__wrapped__()
        slow.block.ruler.disable(["prose", "early_heading"])
        patch.setattr(manager, "markdown_parser", lambda: slow)
        assert quick == outline(text)


@settings(PATIENT, max_examples=400)
@given(BLOCKS, BLOCKS)
def test_what_is_not_parsed_behind_the_last_table_changes_none(text, behind):
    text = f"# Foo-7B\n\n{text}\n\n" + re.sub(r"[|<>]", "", behind) + "\n\nend\n" * 3

    def tables(most: int) -> list[object]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(manager, "TEXT_BEHIND", most)
            found = manager.parse_card(text).tables
        return [([[c.source for c in row] for row in t.rows], t.headings, t.before, t.caption) for t in found]

    assert tables(3) == tables(10_000)


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
