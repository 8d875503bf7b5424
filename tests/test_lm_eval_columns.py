"""Lines of lm-eval that are read as columns: what comes of them is what comes of each line by itself."""

import hashlib
import json
import re
from pathlib import Path

import convert_results as converter
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from thoroughness import examples

TEXTS = [
    "what is it",
    'he said "yes": no',
    "back\\slash\\",
    "é中\u2028",
    ', "arg_1": "',
    '"}',
    "C: {x}\n\ny",
    "",
    "12",
    "\x00",
]
SHAPES = ["numbered", "list"]


def choice_row(number: int, shape: str, prompt: str = "Q: a?\nA:", texts: tuple = (" a", " b", " c"), **more) -> dict:
    """What lm-eval logs of an item of multiple choice: numbered since 0.4.3, a list of lists before."""
    chances = [-1.0 - (place - number) % len(texts) for place in range(len(texts))]
    pairs = [[prompt, text] for text in texts]
    numbered = {f"gen_args_{i}": {"arg_0": one, "arg_1": two} for i, (one, two) in enumerate(pairs)}
    row = {
        "doc_id": number,
        "doc": {"id": f"item-{number}", "q": f"{prompt} {number}", "choices": list(texts), "topic": "t"},
        "target": number % len(texts),
        "arguments": numbered if shape == "numbered" else pairs,
        "resps": [[[str(chance), "False"]] for chance in chances],
        "filtered_resps": [[str(chance), "False"] for chance in chances],
        "filter": "none",
        "acc": 1.0,
    }
    return row | more


def written_row(number: int, shape: str, prompt: str = "Q: a?\nA:", answer: str = "it is 3", **more) -> dict:
    """What lm-eval logs of an item that is answered in words."""
    request = {"until": ["Q:", "</s>"], "do_sample": False}
    row = {
        "doc_id": number,
        "doc": {"question": f"{prompt} {number}", "answer": "#### 3"},
        "target": "#### 3",
        "arguments": {"gen_args_0": {"arg_0": prompt, "arg_1": request}}
        if shape == "numbered"
        else [[prompt, request]],
        "resps": [[answer]],
        "filtered_resps": ["[invalid]" if number % 3 else "3"],
        "filter": "strict-match",
        "metrics": ["exact_match"],
        "exact_match": float(number % 3 == 0),
    }
    return row | more


WRITTEN = {
    "output_type": "generate_until",
    "doc_to_text": "Question: {{question}}\nAnswer:",
    "metric_list": [{"metric": "exact_match"}],
}
WRITTEN |= {"results": {"exact_match,strict-match": 1 / 3}}


def choice_run(folder: Path, lines: list[bytes], score: float = 1.0, **config) -> Path:
    task = {"output_type": "multiple_choice", "doc_to_text": "{{q}}", "test_split": "test", "num_fewshot": 0} | config
    document = {
        "results": {"toy": task.pop("results", {"acc,none": score})},
        "configs": {"toy": task | {"dataset_path": "acme/toys"}},
        "versions": {"toy": 1},
        "config": {"model": "hf", "model_args": {"pretrained": "acme/tiny"}},
        "lm_eval_version": "0.4.13",
    }
    folder.mkdir()
    (folder / "results_2026-01-02T03-04-05.0.json").write_text(json.dumps(document))
    (folder / "samples_toy_2026-01-02T03-04-05.0.jsonl").write_bytes(b"\n".join(lines))
    return folder


def as_lines(rows: list[dict], ascii_only: bool = False) -> list[bytes]:
    return [json.dumps(row, ensure_ascii=ascii_only).encode() for row in rows]


def converted(folder: Path, output: Path, capsys) -> tuple[int, str, dict[str, bytes]]:
    """Exit code, what is said, and the files, without the time of the conversion."""
    code = converter.main([str(folder), "--output-dir", str(output)])
    files = {str(path.relative_to(output)): path.read_bytes() for path in output.rglob("*") if path.is_file()}
    times = re.compile(rb'(?<="retrieved_timestamp": ")\d+')
    return code, capsys.readouterr().err, {name: times.sub(b"", data) for name, data in files.items()}


def both_ways(tmp_path: Path, monkeypatch, capsys, lines: list[bytes], **config):
    """(converted as columns where they can be, the same line by line, how many blocks of columns there were)."""
    folder, blocks = choice_run(tmp_path / "run", lines, **config), []
    plain_items = converter.plain_items
    monkeypatch.setattr(converter.os, "sched_getaffinity", lambda _: {0}, raising=False)
    monkeypatch.setattr(converter, "plain_items", lambda *given: blocks.append(plain_items(*given)) or blocks[-1])
    one = converted(folder, tmp_path / "columns", capsys)
    monkeypatch.setattr(converter, "plain_items", lambda *_: None)
    return one, converted(folder, tmp_path / "lines", capsys), sum(items is not None for items in blocks)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("block", [1, 2000, 1 << 17])
def test_columns_give_the_samples_that_lines_give(tmp_path, monkeypatch, capsys, shape, ascii_only, block):
    monkeypatch.setattr(converter, "BLOCK_OF_LINES", block)
    prompts = [text for text in TEXTS if text != '"}']  # which ends a choice, as far as is looked
    rows = [choice_row(i, shape, f"{prompt} {i}?", (f" {prompt}", " b", f"{i}")) for i, prompt in enumerate(prompts)]
    columns, lines, taken = both_ways(tmp_path, monkeypatch, capsys, as_lines(rows, ascii_only))
    assert columns == lines
    assert columns[0] == 0 and taken
    (samples,) = [data for name, data in columns[2].items() if name.endswith(".jsonl")]
    assert [json.loads(row)["sample_id"] for row in samples.splitlines()] == [f"item-{i}" for i in range(len(rows))]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("filters", [["strict-match"], ["none"], ["strict-match", "flexible-extract"]])
@pytest.mark.parametrize("block", [1, 2000, 1 << 17])
def test_written_answers_as_columns_give_what_lines_give(tmp_path, monkeypatch, capsys, shape, filters, block):
    monkeypatch.setattr(converter, "BLOCK_OF_LINES", block)
    texts = [*TEXTS, "  ", "x"]
    rows = [
        written_row(i, shape, f"{text} {i}?", text, filter=used) for used in filters for i, text in enumerate(texts)
    ]
    results = {f"exact_match,{used}": 1 / 3 for used in filters}
    columns, lines, taken = both_ways(tmp_path, monkeypatch, capsys, as_lines(rows), **WRITTEN | {"results": results})
    assert columns == lines
    assert columns[0] == 0 and (taken or (block > 2000 and len(filters) > 1))
    samples = [data for name, data in columns[2].items() if name.endswith(".jsonl")]
    kept = [json.loads(row) for data in samples for row in data.splitlines()]
    assert sum(row["evaluation"]["score"] for row in kept) == 4 * len(filters)
    assert (kept[0]["answer_attribution"] == []) is (filters == ["none"])
    (record,) = [json.loads(data) for name, data in columns[2].items() if name.endswith(".json")]
    details = [result["score_details"]["details"] for result in record["evaluation_results"]]
    blank = sum(not text.strip() for text in texts)
    assert {(own["unparsed"], own["empty"]) for own in details} == {(str(len(texts) - 4), str(blank))}


def test_items_that_repeat_are_named_by_their_number(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(converter, "BLOCK_OF_LINES", 1500)
    rows = [choice_row(i, "numbered") for i in range(9)]
    rows[8]["doc"]["id"] = "item-0"
    columns, lines, taken = both_ways(tmp_path, monkeypatch, capsys, as_lines(rows))
    assert columns == lines and taken > 2
    (samples,) = [data for name, data in columns[2].items() if name.endswith(".jsonl")]
    assert [json.loads(row)["sample_id"] for row in samples.splitlines()] == [f"test/{i}" for i in range(9)]


def test_a_score_that_the_likelihoods_contradict_is_in_conflict(tmp_path, monkeypatch, capsys):
    rows = [choice_row(i, "numbered", target=(i + 1) % 3) for i in range(9)]
    columns, lines, taken = both_ways(tmp_path, monkeypatch, capsys, as_lines(rows))
    assert columns == lines and taken
    assert columns[0] == 1 and "9 of 9 items are scored otherwise" in columns[1]


def test_the_items_of_a_metric_in_conflict_are_left_out_of_what_was_joined(tmp_path, monkeypatch, capsys):
    rows = [choice_row(i, "numbered", acc_norm=1.0) for i in range(9)]
    results = {"acc,none": 0.5, "acc_norm,none": 1.0}
    code, said, files = converted(choice_run(tmp_path / "run", as_lines(rows), results=results), tmp_path / "o", capsys)
    (record,) = [json.loads(data) for name, data in files.items() if name.endswith(".json")]
    (samples,) = [data for name, data in files.items() if name.endswith(".jsonl")]
    assert code == 1 and "its 9 items average to 1.0" in said
    assert {json.loads(line)["evaluation_result_id"] for line in samples.splitlines()} == {"toy|0/acc_norm,none"}
    entry = record["detailed_evaluation_results"]
    assert entry["total_rows"] == 9 and entry["checksum"] == hashlib.sha256(samples).hexdigest()
    (source,) = (tmp_path / "run").glob("*.jsonl")
    assert entry["additional_details"]["source_sha256"] == hashlib.sha256(source.read_bytes()).hexdigest()


def test_a_line_without_measure_is_named_by_its_number(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(converter, "BLOCK_OF_LINES", 1000)
    monkeypatch.setattr(converter, "MOST_OF_LINE", 5000)
    lines = as_lines([choice_row(i, "numbered") for i in range(9)])
    lines[7] = b'{"x": "%b"}' % (b"x" * 6000)
    code, said, _ = converted(choice_run(tmp_path / "run", lines), tmp_path / "o", capsys)
    assert code == 2 and "line 8 has more than" in said


def twice(key: bytes, value: bytes):
    return lambda line: line.replace(b'"%b": ' % key, b'"%b": %b, "%b": ' % (key, value, key), 1)


def put(old: bytes, new: bytes):
    return lambda line: line.replace(old, new, 1)


def asked(old: bytes, new: bytes, count: int = 1, begin: bytes = b'"arguments"'):
    """Within the requests, or behind another key."""
    return lambda line: line[: line.index(begin)] + line[line.index(begin) :].replace(old, new, count)


def is_object(line: bytes) -> bool:
    """Whether a line is one JSON object without a key that stands twice, by the standard library."""

    def unique(pairs):
        assert len(dict(pairs)) == len(pairs)
        return dict(pairs)

    try:
        return type(json.loads(line.decode("utf-8-sig"), object_pairs_hook=unique)) is dict
    except (ValueError, AssertionError):
        return False


ODD = {
    **{
        f"{key} twice": twice(key.encode(), b"0")
        for key in ("doc_id", "doc", "id", "q", "target", "arguments", "resps")
    },
    **{f"{key} twice": twice(key.encode(), b'"x"') for key in ("gen_args_0", "gen_args_1", "arg_0", "arg_1", "acc")},
    "a key twice at the end": lambda line: line[:-1] + b', "acc": 1.0}',
    "a key twice, once escaped": lambda line: line[:-1] + b', "\\u0061cc": 0.0}',
    "a key twice beside an escaped colon": put(b'"topic": "t"', b'"topic": "\\u003a", "topic": "t"'),
    "cut off": lambda line: line[:-9],
    "broken UTF-8 in a prompt": put(b"Q: a?", b"Q: \xff?"),
    "broken UTF-8 in a choice": put(b' b"', b' \xc3"'),
    "a control character in a prompt": put(b"Q: a?", b"Q: \x01?"),
    "an open quotation mark": put(b"Q: a?", b'Q: "?'),
    "a choice that ends its text": asked(b' b"', b' b","c"'),
    "a choice that ends its line": asked(b' c"', b' c"], "x": ["y"'),
    "a backslash before the end of a choice": asked(b' b"', b' b\\"'),
    "a backslash before the end of the prompt": asked(b"A:", b"A:\\"),
    "two values": lambda line: line + b" {}",
    "no object": lambda line: b"[]",
    "a value that is no number": put(b'"acc": 1.0', b'"acc": "1.0"'),
    "a score that is not finite": put(b'"acc": 1.0', b'"acc": NaN'),
    "a huge score": put(b'"acc": 1.0', b'"acc": 1%b' % (b"0" * 400)),
    "a truth value": put(b'"acc": 1.0', b'"acc": true'),
    "no score": put(b', "acc": 1.0', b""),
    "a likelihood that is not finite": asked(b'"-1.0"', b'"-inf"', begin=b'"filtered_resps"'),
    "a likelihood that is nothing": asked(b'"-1.0"', b"null", begin=b'"filtered_resps"'),
    "a likelihood too few": put(b'"filtered_resps": [["', b'"filtered_resps": [[], ["'),
    "another prompt": put(b"Q: a?", b"Q: b?"),
    "one choice": lambda line: json.dumps(choice_row(1, "numbered", texts=(" a",))).encode(),
    "two choices": lambda line: json.dumps(choice_row(1, "numbered", texts=(" a", " b"))).encode(),
    "many choices": lambda line: json.dumps(choice_row(1, "numbered", texts=tuple(map(str, range(101))))).encode(),
    "without spaces": lambda line: line.replace(b": ", b":").replace(b", ", b","),
    "requests inside of another object": lambda line: (
        b'%b"arguments": {}, "more": {%b}}'
        % (line[: line.index(b'"arguments"')], line[line.index(b'"arguments"') : -1])
    ),
    "requests inside of another object, and a list": lambda line: (
        b'%b"more": {%b}, %b}'
        % (
            line[: line.index(b'"arguments"')],
            line[line.index(b'"arguments"') : -1],
            b'"arguments": ["x", " a", " b", " c"], "filtered_resps": [[0], [0], [1]], "acc": 1.0, "filter": "none"',
        )
    ),
    "a prompt that is a number": asked(b'"Q: a?\\nA:"', b"5", count=9),
    "a choice that is a number": asked(b'" b"', b"5"),
    "requests in a text": put(b'"topic": "t"', b'"topic": "\\"arguments\\": {\\"gen_args_0\\": {\\"arg_0\\": "'),
    "a choice in quotation marks": put(b' b"', b' \\"b\\""'),
    "an empty line": lambda line: b"",
    "a blank line": lambda line: b" \r",
    "an end of a line of two characters": lambda line: line + b"\r",
    "a mark of the order of bytes": lambda line: b"\xef\xbb\xbf" + line,
    "a filter of another kind": put(b'"filter": "none"', b'"filter": ["none"]'),
    "a target in words": put(b'"target": 1', b'"target": "b"'),
    "a doc that is none": put(b'"doc": {', b'"doc": 1, "doc2": {'),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ODD)
def test_a_line_that_is_not_plain_is_read_as_any_line(tmp_path, monkeypatch, capsys, shape, name):
    lines = as_lines([choice_row(i, shape) for i in range(4)])
    lines[1] = ODD[name](lines[1])
    columns, by_line, _ = both_ways(tmp_path, monkeypatch, capsys, lines)
    assert columns == by_line
    if lines[1].strip() and not is_object(lines[1]):
        assert columns[0] == 1 and "line 2 is n" in columns[1]


OPEN = {
    "two answers": put(b'[["it is 3"]]', b'[["it is 3", "x"]]'),
    "answers of two requests": put(b'[["it is 3"]]', b'[["it is 3"], ["x"]]'),
    "no answer": put(b'[["it is 3"]]', b"[[]]"),
    "an answer without its list": put(b'[["it is 3"]]', b'["it is 3"]'),
    "an answer that is nothing": put(b'[["it is 3"]]', b"[[null]]"),
    "a number read": put(b'["[invalid]"]', b"[3]"),
    "nothing read": put(b'["[invalid]"]', b"[]"),
    "several read": put(b'["[invalid]"]', b'[["3", "4"]]'),
    "another filter": put(b"strict-match", b"flexible-extract"),
    "no filter": put(b'"filter": "strict-match", ', b""),
    "a prompt that is a list": put(b'"Q: a?\\nA:", "arg_1"', b'["Q: a?"], "arg_1"'),
    "a request more": put(b'"gen_args_0"', b'"gen_args_1": {"arg_0": "x", "arg_1": {}}, "gen_args_0"'),
    "a third part of a request": put(b'"arg_0"', b'"arg_2": 1, "arg_0"'),
    "a request of a choice": asked(b'{"until": ["Q:", "</s>"], "do_sample": false}', b'"b"'),
    "a target in a list": put(b'"target": "#### 3"', b'"target": ["3", 4]'),
    "a target that is a number": put(b'"target": "#### 3"', b'"target": 3'),
    "a question that is a number": put(b'"question": "', b'"question": 5, "q": "'),
    "another key in a doc": put(b'"question": "', b'"level": 5, "question": "'),
    "a score of sums": put(b'"exact_match": 0.0', b'"exact_match": [1, 2]'),
    "a surrogate": put(b"it is 3", b"it is \\ud800"),
    **{name: ODD[name] for name in ("cut off", "two values", "no object", "an empty line", "a doc that is none")},
    "a key twice": put(b'"resps"', b'"doc_id": 5, "resps"'),
    "a key twice in a request": put(b'"do_sample"', b'"until": [], "do_sample"'),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", OPEN)
def test_a_written_answer_that_is_not_plain_is_read_as_any_line(tmp_path, monkeypatch, capsys, shape, name):
    lines = as_lines([written_row(i, shape) for i in range(3)])
    changed = OPEN[name](lines[1])
    assert changed != lines[1] or shape == "list"
    columns, by_line, _ = both_ways(tmp_path, monkeypatch, capsys, [lines[0], changed, lines[2]], **WRITTEN)
    assert columns == by_line


@given(
    st.sampled_from(SHAPES),
    st.sampled_from(["question", "{{question}}", "Q: {{question}}\nA:", "{{answer}}{{question}}", "{{missing}}", None]),
    st.lists(
        st.tuples(
            st.sampled_from(TEXTS) | st.text(max_size=9),
            st.sampled_from(["[invalid]", ""]) | st.text(max_size=4),
            st.sampled_from([0, "1", "b", None, ["b"]]) | st.text(max_size=3),
            st.sampled_from([{}, {"topic": "t"}, {"id": "x"}, {"question": 3}]),
        ),
        min_size=1,
        max_size=4,
    ),
)
@settings(max_examples=examples(120), deadline=None)
def test_a_written_item_of_a_column_is_the_item_of_its_line(shape, template, made):
    config = WRITTEN | {"doc_to_text": template}
    task = converter.LmEvalTask((("s", "exact_match", "strict-match"),), config, "test", True, 0, True)
    rows = [
        written_row(i, shape, text, f"{text}.", filtered_resps=[left], target=right)
        for i, (text, left, right, _) in enumerate(made)
    ]
    for row, (*_, more) in zip(rows, made, strict=True):
        row["doc"] |= more
    lines = [json.dumps(row).encode() + b"\n" for row in rows]
    items = converter.plain_items(b"".join(lines), task, True)
    if items is None:  # only what could hide a key
        assert re.search(rb"\\u003[aA]|\\ud[89a-f]", b"".join(lines), re.I)
    else:
        alone = [converter.lm_eval_item(json.loads(line), task, True) for line in lines]
        assert [items.item(at) for at in range(len(lines))] == alone


@given(
    st.sampled_from(SHAPES),
    st.booleans(),
    st.sampled_from(["q", "{{q}}", "Q: {{q}}\nA:", "{{topic}}{{q}}", "{% if q %}{{q}}{% endif %}", "{{missing}}"]),
    st.lists(
        st.tuples(
            st.sampled_from(TEXTS) | st.text(max_size=9),
            st.lists(st.sampled_from(TEXTS) | st.text(max_size=4), min_size=2, max_size=5),
            st.sampled_from([0, 1, 7, "1", "b", None, ["b"]]),
        ),
        min_size=1,
        max_size=4,
    ),
)
@settings(max_examples=examples(120), deadline=None)
def test_an_item_of_a_column_is_the_item_of_its_line(shape, ascii_only, template, made):
    scores = (("acc,none", "acc", "none"), ("acc_norm,none", "acc_norm", "none"), ("brier,none", "brier", "none"))
    config = {"doc_to_text": template, "output_type": "multiple_choice"}
    task = converter.LmEvalTask(scores, config, "test", False, 0, True)
    rows = [
        choice_row(i, shape, prompt, tuple(texts), target=target, acc=0, acc_norm=1.0, brier=-0.0)
        for i, (prompt, texts, target) in enumerate(made)
    ]
    lines = [json.dumps(row, ensure_ascii=ascii_only).encode(errors="surrogatepass") + b"\n" for row in rows]
    items = converter.plain_items(b"".join(lines), task, True)
    alone = [converter.lm_eval_item(json.loads(line), task, True) for line in lines if b"\xed" not in line]
    if items is not None:
        assert [items.item(at) for at in range(len(lines))] == alone
    else:  # only what could hide a key, or stands in the requests as their own texts do
        assert re.search(rb'\\u003[aA]|\\ud[89a-f]|"\}|"\]|\\"|\xed', b"".join(lines), re.I)
