"""Adding results to a card's metadata and to .eval_results: nothing lost, nothing doubled, every other byte kept."""

from __future__ import annotations

import copy
import json
import random
import shutil
import string
import subprocess
from pathlib import Path

import evaluation_manager as manager
import pytest
import yaml
from huggingface_hub import ModelCard, parse_eval_result_entries
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from thoroughness import examples

MAPPING = manager.read_mapping()
PLACING = manager.Placing(manager.shipped_list(), MAPPING)


def entry(benchmark: str = "GSM8K", value: float = 77.3, **given: object) -> manager.Entry:
    more = {"key": "gsm8k", "origin": "table 1, row 0, column 1", "source_name": "Model card"}
    more |= {"source_url": "https://huggingface.co/acme/Foo-7B"} | given
    return manager.Entry(benchmark=benchmark, value=value, **more)


def plan_of(*entries: manager.Entry, replace: bool = False, formats: str = "model-index") -> manager.Plan:
    return manager.make_plan(
        "acme/Foo-7B",
        entries,
        MAPPING,
        placing=PLACING,
        formats=formats,
        task_type="text-generation",
        source="tests",
        replace=replace,
    )


def merged(text: str, *entries: manager.Entry, replace: bool = False) -> tuple[str, manager.Change]:
    change = manager.merge(plan_of(*entries, replace=replace), manager.RepoState(None, text.encode()))
    return change.files.get("README.md", text.encode()).decode(), change


def inserted(old: str, new: str) -> str:
    """What was put into a text in one place; fails when anything else changed."""
    start = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    rest = len(old) - start
    assert new[len(new) - rest :] == old[start:] if rest else new.startswith(old)
    return new[start : len(new) - rest]


# --- A card's metadata, written in many ways ---------------------------------------------------------------------

OLD_RESULT = (
    "task: {type: text-generation}\ndataset: {name: Old, type: old}\nmetrics: [{type: acc, name: acc, value: 1.5}]"
)
STYLES = {
    "none": "",
    "null": "model-index:\n",
    "empty list": "model-index: []\n",
    "indentless": "model-index:\n- name: Foo-7B\n  results:\n  - task:\n      type: text-generation\n    dataset:\n"
    "      name: Old\n      type: old\n    metrics:\n    - type: acc\n      name: acc\n      value: 1.5\n",
    "indented": "model-index:\n    - name: 'Foo-7B'   # ours\n      results:\n        - task: {type: text-generation}\n"
    '          dataset:\n              type: old\n              name: "Old"\n          metrics:\n'
    "            - {type: acc, name: acc, value: 1.5} # measured\n          # end of results\n",
    "flow results": "model-index:\n- name: Foo-7B\n  results: [{task: {type: text-generation}, dataset: {name: Old, "
    "type: old},\n    metrics: [{type: acc, name: acc, value: 1.5}]}]\n",
    "all flow": 'model-index: [{"name": "Foo-7B", "results": [{"task": {"type": "text-generation"}, "dataset": '
    '{"name": "Old", "type": "old"}, "metrics": [{"type": "acc", "name": "acc", "value": 1.5}],}]}]\n',
    "no results": "model-index:\n- name: Foo-7B\n",
    "results null": "model-index:\n- name: Foo-7B\n  results:\n",
    "results first": "model-index:\n- results:\n  - dataset: {name: Old, type: old}\n"
    "    task: {type: text-generation}\n"
    "    metrics: [{type: acc, name: acc, value: 1.5}]\n    note: |+\n      kept\n\n\n  name: Foo-7B\n",
    "two models": "model-index:\n- name: Bar\n  results: []\n- name: foo_7b\n  results:\n  - dataset: {name: Old, "
    "type: old}\n    task: {type: text-generation}\n    metrics:\n    - type: acc\n      name: acc\n      value: 1.5\n",
    "other models": "model-index:\n- name: Bar\n  results: []\n- name: Baz\n  results: []\n",
    "under another name": "model-index:\n- name: Foo seven\n  results: []\n",
}
KEYS_BEFORE = [
    "license: apache-2.0\n",
    "# a comment: with [odd {marks\n",
    "tags: [a, 'b', \"c\"]\n",
    "base: &base {x: 1}\nother: *base\n",
    'title: "ünïcode 😀 \\u00e9"\n',
    "text: |\n  line one\n\n  --- not a fence\n  two\n",
    "folded: >-\n  some\n  words\n",
    "date: 2024-01-31\nversion: 1.10\nno: yes\n",
    "\n",
    "? odd\n: value\n",
    "1: number\nnull: nothing\n",
]
BODIES = [
    "",
    "# Foo\n",
    "\n\n# Foo\n\n---\n\ntext\n",
    "no final newline",
    "---\n",
    "\n| a | b |\n|---|---|\n| 1 | 2 |\n",
]


@st.composite
def cards(draw: st.DrawFn) -> str:
    before = draw(st.lists(st.sampled_from(KEYS_BEFORE), unique=True, max_size=4))
    after = draw(st.lists(st.sampled_from([k for k in KEYS_BEFORE if k not in before]), unique=True, max_size=3))
    front = "".join(before) + STYLES[draw(st.sampled_from(sorted(STYLES)))] + "".join(after)
    text = (
        f"---\n{front}---\n{draw(st.sampled_from(BODIES))}"
        if draw(st.integers(0, 5))
        else draw(st.sampled_from(BODIES))
    )
    text = text.replace("\n", draw(st.sampled_from(["\n", "\r\n"])))
    return ("\ufeff" if draw(st.booleans()) else "") + text


labels = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30).map(
    lambda text: " ".join(text.split()) or "x"
)
entries = st.builds(
    manager.Entry,
    benchmark=labels
    | st.sampled_from(["MMLU", "- x", "a: b", "#c", "'", '"', "{", "*a", "&b", "!!python/x", "yes", "1.0"]),
    value=st.floats(-1e6, 1e6) | st.integers(-100, 100),
    origin=st.just("table 1"),
    key=st.sampled_from([None, "gsm8k", "mmlu_pro"]),
    metric=st.none() | st.sampled_from(["acc", "EM", "pass@1"]),
    shots=st.none() | st.sampled_from(["5-shot", "0-shot"]),
    source_name=st.none() | st.just("Model card"),
    source_url=st.none() | st.just("https://huggingface.co/acme/Foo-7B"),
)


@settings(max_examples=examples(400), suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(cards(), st.lists(entries, min_size=1, max_size=4, unique_by=lambda e: (e.benchmark, e.key, e.metric, e.shots)))
def test_any_card_and_any_results(card: str, new: list[manager.Entry]) -> None:
    try:
        old = manager.read_metadata(card, "README.md")
    except manager.ScriptError:
        return  # refused: malformed; nothing is written
    text, change = merged(card, *new)
    if change.conflicts:
        return  # two of the new results are the same but for their value
    inserted(card, text)
    now = manager.read_metadata(text, "README.md")
    assert [r for r in now.results if r in old.results] == [r for r in old.results if r in now.results] == old.results
    plan = plan_of(*new)
    assert all(result in now.results for result in plan.model_index)
    assert len(now.results) == len(old.results) + len([a for a in change.added if a.startswith("model-index")])
    again, nothing = merged(text, *new)
    assert again == text and not nothing.files and not nothing.conflicts


@pytest.mark.parametrize("style", sorted(STYLES))
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_every_style_keeps_its_bytes_and_is_read_by_the_client(style: str, newline: str) -> None:
    card = f"---\nlicense: mit # c\n{STYLES[style]}tags: [x]\n---\n# Foo\n".replace("\n", newline)
    text, change = merged(card, entry(), entry("MMLU", 61.0, key="mmlu", shots="5-shot"))
    put = inserted(card, text)
    assert len(change.added) == 2
    assert newline == "\n" or "\n" not in put.replace("\r\n", "")
    values = sorted(result.metric_value for result in ModelCard(text).data.eval_results)
    assert values == ([1.5] if "1.5" in STYLES[style] else []) + [61.0, 77.3]


def test_no_front_matter_gets_one() -> None:
    text, _ = merged("# Foo\r\n\r\ntext", entry())
    assert text.startswith("---\r\nmodel-index:\r\n- name: Foo-7B\r\n") and text.endswith("---\r\n# Foo\r\n\r\ntext")
    assert merged("", entry())[0].startswith("---\nmodel-index:")
    assert merged("\ufeff# Foo\n", entry())[0].startswith("\ufeff---\n")
    assert merged("---\n---\nbody\n", entry())[0].endswith("---\nbody\n")


def test_the_results_are_read_back_by_the_client() -> None:
    text, _ = merged("# Foo\n", entry("GSM8K", 77.3, shots="8-shot", metric="EM", source_url="https://x.org/a"))
    card = ModelCard(text)
    (result,) = card.data.eval_results
    assert (card.data.model_name, result.metric_value, result.dataset_type, result.dataset_config) == (
        "Foo-7B",
        77.3,
        "openai/gsm8k",
        "main",
    )
    assert (result.metric_args, result.source_url) == ({"num_few_shot": 8}, "https://x.org/a")


# --- The same, another value, another source ---------------------------------------------------------------------


def test_the_same_value_is_nothing_to_do() -> None:
    text, _ = merged("# Foo\n", entry())
    again, change = merged(text, entry())
    assert again == text and change.same == ["model-index: GSM8K"] and not change.files


def test_another_value_is_a_conflict_and_replaced_only_when_asked() -> None:
    text, _ = merged("---\nlicense: mit\n---\n# Foo\n", entry(), entry("MMLU", 61, key="mmlu"))
    kept, change = merged(text, entry(value=80.1))
    assert kept == text and not change.files
    (conflict,) = change.conflicts
    assert conflict.where == "README.md model-index[0].results[0].metrics[0].value"
    assert (conflict.there, conflict.new) == (77.3, 80.1)
    replaced, change = merged(text, entry(value=80.1), replace=True)
    assert replaced == text.replace("77.3", "80.1") and not change.conflicts and len(change.replaced) == 1
    assert merged(replaced, entry(value=80.1), replace=True)[1].files == {}


def test_another_source_is_the_same_result_and_stands_beside_it_only_when_asked() -> None:
    theirs = entry(source_name="Somebody", source_url="https://example.org")
    text, _ = merged("# Foo\n", theirs)
    assert merged(text, entry())[1].same == ["model-index: GSM8K"]
    assert [(c.there, c.new) for c in merged(text, entry(value=80.1))[1].conflicts] == [(77.3, 80.1)]
    plan = plan_of(entry(value=80.1))
    plan.beside = ["gsm8k"]
    assert manager.merge(plan, manager.RepoState(None, text.encode())).added == ["model-index: GSM8K"]
    bare, _ = merged("# Foo\n", entry(source_url=None))
    assert merged(bare, entry())[1].same == ["model-index: GSM8K"]
    assert merged(bare, entry(value=1.0))[1].conflicts


@pytest.mark.parametrize(
    "more",
    [{"metric": "F1"}, {"shots": "5-shot"}, {"dataset": (("type", "openai/gsm8k"), ("split", "train"))},
     {"variant": "With tools"}, {"dataset": (("type", "openai/gsm8k"), ("config", "socratic"))}],
    ids=str,
)  # fmt: skip
def test_other_settings_are_another_entry(more: dict) -> None:
    text, _ = merged("# Foo\n", entry(shots="8-shot", variant="Thinking"))
    assert merged(text, entry(value=1.0, **{"shots": "8-shot", "variant": "Thinking"} | more))[1].added


@pytest.mark.parametrize("more", [{"shots": "5-shot"}, {"variant": "With tools"}], ids=str)
def test_what_one_side_alone_says_is_asked(more: dict) -> None:
    text, _ = merged("# Foo\n", entry())
    (conflict,) = merged(text, entry(value=1.0, samples=1319, standard_error=0.012, **more))[1].conflicts
    assert "possibly the same" in str(conflict) and "n = 1,319, standard error 0.012" in str(conflict)
    assert merged(text, entry(**more))[1].same


def test_the_task_and_the_display_name_are_no_part_of_a_result() -> None:
    text, _ = merged("# Foo\n", entry())
    text = text.replace("name: GSM8K", "name: Grade school maths").replace("text-generation", "question-answering")
    assert merged(text, entry())[1].same and merged(text, entry(value=1.0))[1].conflicts


def test_a_value_written_as_text_is_the_same_number() -> None:
    text, _ = merged("# Foo\n", entry())
    assert merged(text.replace("77.3", "'77.30'"), entry())[1].same


def test_two_values_for_one_place_in_the_plan_are_a_conflict() -> None:
    _, change = merged("# Foo\n", entry(), entry(value=1.0))
    assert [c.where for c in change.conflicts] == ["the plan itself"]


# --- Malformed and hostile metadata ------------------------------------------------------------------------------

REFUSED = {
    "---\na: [1\n---\n": "line",
    "---\na: 1\nb: 2\na: 3\n---\n": "line 4: the key 'a' occurs twice",
    "---\njust text\n---\n": "no mapping",
    "---\nmodel-index: {name: x}\n---\n": "line 2: model-index is dict, not a list",
    "---\nx: 1\nmodel-index:\n- name: x\n  results: soon\n---\n": "line 4: model-index[0].results is str",
    "---\nmodel-index:\n- name: x\n  results:\n  - just text\n---\n": "model-index[0].results[0] is str",
    "---\nmodel-index:\n- name: x\n  results:\n  - metrics: {a: 1}\n---\n": "metrics is dict",
    "---\nx: !!python/object/apply:os.system ['touch owned']\n---\n": "could not determine a constructor",
    "---\na: &a [x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]\n"
    + "".join(f"{chr(99 + i)}: &{chr(99 + i)} [{', '.join(['*' + chr(98 + i)] * 10)}]\n" for i in range(8))
    + "---\n": "aliases expand to more than",
    "---\na: &a [*a]\n---\n": "aliases expand to more than",
    f"---\na: {'[' * 5000}\n---\n": "line",
    "---\nd: 2024-99-99\n---\n": "not valid YAML",
    "---\nr: &r\n- dataset: {name: a, type: a}\n  task: {type: t}\n  metrics: []\n"
    "model-index:\n- name: Foo-7B\n  results: *r\n---\n": "alias",
}


@pytest.mark.parametrize("card", sorted(REFUSED), ids=[REFUSED[card][:40] for card in sorted(REFUSED)])
def test_malformed_metadata_is_refused_with_its_reason(card: str) -> None:
    with pytest.raises(manager.ScriptError) as refused:
        merged(card, entry())
    assert REFUSED[card] in str(refused.value) and refused.value.code == 2


def test_a_card_that_is_not_utf8_is_not_edited() -> None:
    with pytest.raises(manager.ScriptError, match="byte 2 is not UTF-8"):
        manager.merge(plan_of(entry()), manager.RepoState(None, b"# \xff\n"))


@settings(max_examples=examples(300), deadline=None)
@given(st.text(alphabet="-:[]{}&*!|>'\"#,\n ab1\r\t", max_size=60))
def test_no_front_matter_crashes_it(front: str) -> None:
    try:
        text, change = merged(f"---\n{front}\n---\nbody\n", entry())
    except manager.ScriptError as error:
        assert error.code == 2 and str(error)
    else:
        assert change.files and manager.read_metadata(text, "x").results


# --- .eval_results -----------------------------------------------------------------------------------------------


def eval_plan(*new: manager.Entry, replace: bool = False) -> manager.Plan:
    return plan_of(*new, replace=replace, formats="eval-results")


def hle(value: float = 21.5, **more: object) -> manager.Entry:
    return entry("HLE", value, key="hle", **more)


def test_one_file_for_each_benchmark_and_variant() -> None:
    tools = hle(35.0, variant="With tools", source_url="https://x.org/r", date="2026-01-02T03:04:05Z")
    plan = eval_plan(hle(source_url=None), tools, entry("MMLU-Pro", 70.5, key="mmlu_pro"), entry())
    change = manager.merge(plan, manager.RepoState(None, b""))
    files = {path: yaml.safe_load(data) for path, data in change.files.items()}
    assert sorted(files) == [
        ".eval_results/gsm8k.yaml",
        ".eval_results/hle.yaml",
        ".eval_results/hle_with_tools.yaml",
        ".eval_results/mmlu_pro.yaml",
    ]
    assert files[".eval_results/hle.yaml"] == [{"dataset": {"id": "cais/hle", "task_id": "hle"}, "value": 21.5}]
    (read,) = parse_eval_result_entries(files[".eval_results/hle_with_tools.yaml"])
    assert (read.value, read.notes, read.date) == (35.0, "With tools", "2026-01-02T03:04:05Z")
    assert (read.source_url, read.source_name) == ("https://x.org/r", "Model card")


def test_settings_of_one_benchmark_have_files_of_their_own() -> None:
    plan = eval_plan(entry("MMLU-Pro", 1.5, key="mmlu_pro", shots="5-shot"), entry("MMLU-Pro", 2.5, key="mmlu_pro"))
    assert sorted(plan.eval_results) == [".eval_results/mmlu_pro.yaml", ".eval_results/mmlu_pro_5_shot.yaml"]
    assert plan.eval_results[".eval_results/mmlu_pro_5_shot.yaml"][0]["notes"] == "5-shot"


def test_another_metric_than_the_ranked_one_is_left_out_and_said() -> None:
    plan = eval_plan(hle(metric="F1"), hle(value=3.0, metric="Acc."))
    assert list(plan.eval_results) == [".eval_results/hle.yaml"] and "F1" in plan.remarks[0]


THERE = "# kept\n- dataset:\n    id: cais/hle\n    task_id: hle\n  value: 21.5 # ours\n"


def test_a_file_that_is_there() -> None:
    state = manager.RepoState(None, b"", {".eval_results/old-name.yaml": THERE})
    assert manager.merge(eval_plan(hle()), state).same and not manager.merge(eval_plan(hle()), state).files
    change = manager.merge(eval_plan(hle(30.0)), state)
    assert [(c.where, c.there, c.new) for c in change.conflicts] == [
        (".eval_results/old-name.yaml[0].value", 21.5, 30.0)
    ]
    tools = manager.merge(eval_plan(hle(30.0, variant="With tools")), state)
    assert "variant not said there, withtools here" in str(tools.conflicts[0])
    replaced = manager.merge(eval_plan(hle(30.0), replace=True), state)
    assert list(replaced.files) == [".eval_results/old-name.yaml"]
    assert replaced.files[".eval_results/old-name.yaml"].decode() == THERE.replace("21.5", "30.0")


def test_replacing_one_of_several_entries_keeps_the_others() -> None:
    two = THERE + "- dataset: {id: a/b, task_id: c}\n  value: 1 # stays\n"
    state = manager.RepoState(None, b"", {".eval_results/x.yaml": two})
    text = manager.merge(eval_plan(hle(30.0), replace=True), state).files[".eval_results/x.yaml"].decode()
    assert text.endswith("- dataset: {id: a/b, task_id: c}\n  value: 1 # stays\n")
    assert [row["value"] for row in yaml.safe_load(text)] == [30.0, 1]


def test_a_malformed_file_is_named_and_not_written_over() -> None:
    change = manager.merge(eval_plan(hle()), manager.RepoState(None, b"", {".eval_results/hle.yaml": "a: 1\n"}))
    assert not change.files and "cannot be read" in str(change.conflicts[0]) and "not a list" in change.notes[0]


# --- Scale -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "scale"), [([], None), ([0.4, 0.9], "proportion"), ([0.9, 20.5], "percent"), (["x", True, None], None)]
)
def test_leaderboard_scale(values: list, scale: str | None) -> None:
    assert manager.leaderboard_scale(values) == scale


BOARD = {"cais/hle": manager.Leaderboard("cais/hle", ("hle",), "percent")}


def test_a_value_of_another_scale_is_a_question_never_a_conversion() -> None:
    plan = eval_plan(hle(0.215))
    (question,) = manager.settle(plan, BOARD, {})
    assert "0.215 does not fit" in question and "--scale hle=percent" in question
    assert plan.eval_results[".eval_results/hle.yaml"][0]["value"] == 0.215


@pytest.mark.parametrize(
    ("answer", "value"), [({"": "percent"}, 21.5), ({"hle": "percent"}, 21.5), ({"hle": "as-is"}, 0.215)]
)
def test_the_answer_decides(answer: dict, value: float) -> None:
    plan = eval_plan(hle(0.215))
    assert manager.settle(plan, BOARD, answer) == []
    assert plan.eval_results[".eval_results/hle.yaml"][0]["value"] == value
    assert (
        manager.settle(plan, BOARD, answer) == [] and plan.eval_results[".eval_results/hle.yaml"][0]["value"] == value
    )


@pytest.mark.parametrize(
    ("value", "scale", "asked"),
    [(0, "percent", 0), (1.0, "percent", 1), (85, "proportion", 1), (0.9, None, 0), (85.0, "percent", 0)],
)
def test_what_is_asked(value: float, scale: str | None, asked: int) -> None:
    board = {"cais/hle": manager.Leaderboard("cais/hle", ("hle",), scale)}
    assert len(manager.settle(eval_plan(hle(value)), board, {})) == asked


def test_what_is_no_benchmark_or_has_no_such_task_is_left_out_and_said() -> None:
    plan = eval_plan(hle())
    manager.settle(plan, {"cais/hle": manager.Leaderboard("cais/hle", reason="it is no Benchmark")}, {})
    assert plan.eval_results == {} and "no Benchmark" in plan.remarks[0]
    plan = eval_plan(hle())
    manager.settle(plan, {"cais/hle": manager.Leaderboard("cais/hle", ("a", "b"))}, {})
    assert plan.eval_results == {} and "no task hle" in plan.remarks[0]
    plan = eval_plan(hle())
    manager.settle(plan, {"cais/hle": manager.Leaderboard("cais/hle", ("default",))}, {})
    assert plan.eval_results[".eval_results/hle.yaml"][0]["dataset"]["task_id"] == "default"


# --- Plans on disk, and what people read -------------------------------------------------------------------------


def test_a_plan_survives_json() -> None:
    plan = plan_of(entry(dataset=(("type", "a/b"),)), hle(), formats="both")
    again = manager.plan_from_json(json.loads(json.dumps(plan.as_json())), "p")
    assert not again.model_index and manager.render_plan(again, MAPPING, PLACING) == plan


def spoil(data: dict, path: tuple, value: object) -> dict:
    data = copy.deepcopy(data)
    place = data
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    return data


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("schema_version",), "0"), (("repo_id",), "../x"), (("eval_results",), {}), (("model_index",), []),
        (("entries", 0, "value"), "nan"), (("entries", 0, "value"), True), (("target",), "pr/0"),
        (("scales",), {"": "x"}),
        (("formats",), "all"), (("beside",), "gsm8k"), (("entries", 0, "source_url"), "javascript:alert(1)"),
        (("surprise",), 1), (("entries", 0, "surprise"), 1), (("entries",), None),
    ],
    ids=str,
)  # fmt: skip
def test_a_spoiled_plan_is_refused(path: tuple, value: object) -> None:
    good = json.loads(json.dumps(plan_of(entry(), hle(), formats="both").as_json()))
    with pytest.raises(manager.ScriptError):
        manager.plan_from_json(spoil(good, path, value), "plan.json")


@given(st.text(max_size=100))
def test_text_of_others_is_no_markdown(text: str) -> None:
    escaped = manager.markdown_text(text)
    plain = "".join(c for c in escaped if c not in string.ascii_letters + string.digits)
    assert not set(plain) & set("<>|[]`*_@!\\\n\r~$") and "#" not in plain.replace("&#", "")


def test_the_description_has_no_markup_of_a_card() -> None:
    evil = entry("<img src=x onerror=alert(1)> @everyone [a](javascript:x) | #1", origin="table 1")
    plan = plan_of(evil)
    plan.created = "2026-01-02T00:00:00Z"
    text = manager.pull_request_text(plan, manager.merge(plan, manager.RepoState(None, None)))
    assert "onerror" in text and not any(mark in text for mark in ("<img", "@everyone", "](", "#1 "))


# --- Odd YAML: spliced exactly, or refused with line and reason ---------------------------------------------------

RESULT = "  - task: {type: t}\n    dataset: {name: Old, type: old}\n    metrics: [{type: acc, name: acc, value: 1.5}]\n"
MODEL = "model-index:\n- name: Foo-7B\n  results:\n"
SPLICED = {
    "scalar anchor": "a: &x 1\nb: *x\n" + MODEL + RESULT,
    "anchored list": MODEL.replace("results:", "results: &r # ours") + RESULT + "x: 1\n",
    "tagged lists": MODEL.replace("results:", "results: !!seq").replace("- name", "- !!map\n  name") + RESULT,
    "comment that ends in a comma": "model-index:\n- name: Foo-7B\n  results: [\n    {task: {type: t}, dataset: "
    "{name: o, type: o}, metrics: []} # one,\n  ]\n",
    "comma, then a comment": "model-index:\n- name: Foo-7B\n  results: [\n    {task: {type: t}, dataset: "
    "{name: o, type: o}, metrics: []}, # one\n    # two,\n  ]\n",
    "kept line ends": MODEL + RESULT + "    note: |+\n      kept\n\n\n",
    "document end": MODEL + RESULT + "...\n",
    "complex key": "? model-index\n: - name: Foo-7B\n    results: []\nz: 1\n",
    "odd numbers": MODEL + "  - task: {type: t}\n    dataset: {name: 1, type: 0x1F, config: yes, split: 2024-01-31}\n"
    "    metrics: [{type: acc, name: 010, value: .inf, args: [1, {a: 2024-01-31}, 1e5, 1_000]}]\n",
}
ODD_REFUSED = {
    "impossible date": ("---\nb: 1\na: 2024-13-45\n---\n", "line 3: not valid YAML: month"),
    "control character": ("---\nb: 1\na: \x07\n---\n", "line 3: not valid YAML: a control character"),
    "CR alone": ("---\rlicense: mit\r---\rx\r", "line 1: its lines end in CR alone"),
    "fence and spaces": ("---  \nlicense: mit\n---\nx\n", "line 1: the Hub does not read"),
    "no name": ("---\nmodel-index:\n- results: []\n---\n", "line 3: model-index[0] has no name"),
    "alias as key": (
        "---\na: &k model-index\n*k : []\n---\n",
        "model-index comes from an alias",
    ),
    "used twice": ("---\n" + MODEL.replace("results:", "results: &r") + RESULT + "copy: *r\n---\n", "by hand"),
    "Unicode line end": ("---\n" + MODEL + RESULT.rstrip("\n") + "\u2028license: mit\n---\n", "do not fit in"),
}


@pytest.mark.parametrize("front", SPLICED.values(), ids=SPLICED)
def test_odd_yaml_is_spliced_exactly(front: str) -> None:
    text = f"---\n{front}---\n# x\n"
    new, change = merged(text, entry())
    assert "GSM8K" in (put := inserted(text, new) if "results: []" not in text else new) and put
    assert manager.read_metadata(new, "x").results[-1]["dataset"]["name"] == "GSM8K"
    assert ModelCard(new).data.eval_results[-1].dataset_name == "GSM8K"
    assert len(change.added) == 1 and not merged(new, entry())[1].files


@pytest.mark.parametrize(("text", "reason"), ODD_REFUSED.values(), ids=ODD_REFUSED)
def test_odd_yaml_is_refused_with_a_reason(text: str, reason: str) -> None:
    with pytest.raises(manager.ScriptError) as caught:
        merged(text, entry())
    assert caught.value.code == 2 and reason in str(caught.value) and "\n" not in str(caught.value)


def test_a_verified_value_is_never_replaced() -> None:
    text, _ = merged("# x\n", entry(value=70.0))
    for mark in ("verified: true", "verifyToken: abc"):
        signed = text.replace("value: 70.0", f"value: 70.0\n      {mark}")
        new, change = merged(signed, entry(value=80.0), replace=True)
        assert new == signed and "verified" in change.conflicts[0].where


def test_of_two_that_fit_the_one_with_this_source_is_replaced() -> None:
    bare, _ = merged("# x\n", entry(value=60.0, source_url=None))
    result = manager.make_plan(
        "acme/Foo-7B", [entry(value=70.0)], MAPPING, placing=None, formats="model-index", task_type="text-generation"
    ).model_index
    front = manager.read_metadata(bare, "x")
    both = manager.splice_results(front, result, {}, "Foo-7B")
    new, change = merged(both, entry(value=80.0), replace=True)
    assert [r["metrics"][0]["value"] for r in manager.read_metadata(new, "x").results] == [60.0, 80.0]
    assert change.replaced[0].there == 70.0


def test_an_edited_plan_with_anything_but_results_is_refused() -> None:
    plan = json.loads(json.dumps(plan_of(entry(), entry("MMLU-Pro", 38.4, key="mmlu_pro"), formats="both").as_json()))
    assert (
        manager.plan_from_json(plan, "p").entries == plan_of(entry(), entry("MMLU-Pro", 38.4, key="mmlu_pro")).entries
    )
    edits = [
        lambda p: p.update(notes=5),
        lambda p: p.update(source=None),
        lambda p: p.update(replace="yes"),
        lambda p: p.update(model_index=[]),
        lambda p: p.update(measures={}),
        lambda p: p["entries"][0].update(value="1"),
        lambda p: p["entries"][0].update(value=float("inf")),
        lambda p: p["entries"][0].update(metric=["x"]),
        lambda p: p["entries"][0].update(samples="many"),
        lambda p: p["entries"][0].update(benchmark="\ud800"),
        lambda p: p["entries"][0].update(source_url="javascript:alert(1)"),
        lambda p: p["entries"][0].update(benchmark="x" * 10_000),
    ]
    for edit in edits:
        edited = copy.deepcopy(plan)
        edit(edited)
        with pytest.raises(manager.ScriptError, match="no valid plan"):
            manager.plan_from_json(edited, "p")


@pytest.mark.parametrize(
    "name", ["1e3", "0o17", "1E5", "12e03", "0x1F", "1_000", ".5", "1.", "yes", "null", "~", "2024-01-31"]
)
def test_names_that_are_numbers_to_yaml_1_2_are_quoted(name: str) -> None:
    text, _ = merged("# x\n", entry(name, key=None))
    assert f"name: '{name}'" in text and manager.read_metadata(text, "x").results[0]["dataset"]["name"] == name
    flow, _ = merged("---\nmodel-index: []\n---\n# x\n", entry(name, key=None))
    assert f"name: '{name}'" in flow


NAMES_OF_ALL_KINDS = [
    "+1", "+0o7", "0O17", "1__0", "-0x1f", "1e", ".e1", "nan", "-.INF", ".NaN", "1:30", "190:20:30", "0017", "0e0",
    "<<", "=", "on", "Off", "y", "N", "! x", "&a", "*a", "%", "@x", "`x", "- x", "? x", "x: y", "x #y", "#y", "{a}",
    "a\tb", "a\nb", " lead", "trail ", "\u2028x", "\u2029", "\x85", "\ufeffx", "---", "--- x", "|", "> x", "-", "?",
]  # fmt: skip


def test_the_hubs_reader_of_yaml_reads_what_was_written(tmp_path: Path) -> None:
    """js-yaml, which the Hub reads metadata with, fetched from npm."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("node and npm are not here")
    install = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(tmp_path), "js-yaml@4"]
    try:
        subprocess.run(install, check=True, capture_output=True, timeout=60)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        pytest.skip("js-yaml could not be installed")
    rng = random.Random(12)
    drawn = ("".join(rng.choices("0123456789eEoOxXbB._+-: ,nulyesfatrINF~", k=rng.randint(1, 6))) for _ in range(3000))
    names = [*NAMES_OF_ALL_KINDS, *drawn]
    whole = {"names": names, "keys": dict.fromkeys(names, 1), "numbers": [5e-324, 1e16, 0.1, 1e-5, 100, 0.4493]}
    script = "const r=require;console.log(JSON.stringify(r('js-yaml').load(r('fs').readFileSync(0,'utf8'))))"
    for flow in (None, True):
        text = manager.to_yaml(whole, default_flow_style=flow)
        read = subprocess.run(["node", "-e", script], input=text, capture_output=True, encoding="utf-8", cwd=tmp_path)
        found = json.loads(read.stdout)
        assert found["names"] == names and set(found["keys"]) == set(names) and found["numbers"] == whole["numbers"]


# --- Declared units, and what a source leaves open ----------------------------------------------------------------

PLAIN = {"cais/hle": manager.Leaderboard("cais/hle", ("hle",), "percent", plain=True)}


def test_a_declared_unit_is_converted_where_the_leaderboard_is_plain_in_both_formats() -> None:
    plan = plan_of(hle(0.215, unit="proportion", source_url=None), formats="both")
    assert manager.settle(plan, PLAIN, {}) == []
    assert plan.eval_results[".eval_results/hle.yaml"][0]["value"] == 21.5
    metric = plan.model_index[0]["metrics"][0]
    assert (metric["value"], metric["name"]) == (21.5, "HLE (%)") and "written as 21.5, in percent" in plan.remarks[-1]
    change = manager.merge(plan, manager.RepoState(None, b"# x\n"))
    files = {path: data.decode() for path, data in change.files.items() if path != "README.md"}
    again = manager.merge(plan, manager.RepoState(None, change.files["README.md"], files))
    assert not again.files and not again.conflicts and len(again.same) == 2


@pytest.mark.parametrize("unit", [None, "points"])
def test_an_undeclared_unit_is_asked(unit: str | None) -> None:
    assert len(manager.settle(eval_plan(hle(0.215, unit=unit)), PLAIN, {})) == 1
    assert len(manager.settle(eval_plan(hle(0.215, unit="proportion")), BOARD, {})) == 1  # one result is no scale


@pytest.mark.parametrize(
    ("values", "plain"),
    [([], False), ([20.5, 30], False), ([20.5, 30, 44], True), ([0.2, 0.3, 0.4], True), ([0.2, 30, 44], False),
     ([0.5, *range(10, 30)], True)],
)  # fmt: skip
def test_three_results_that_agree_are_a_scale(values: list, plain: bool) -> None:
    assert manager.is_plain(values) is plain


def test_which_ifeval_is_asked_and_answered() -> None:
    silent = entry("IFEval", 71.2, key="ifeval")
    (question,) = manager.metric_questions(plan_of(silent))
    assert "--metric ifeval=prompt_level_strict_acc" in question
    (said,) = manager.with_metrics([silent], ["ifeval=inst_level_loose_acc"])
    assert said.metric == "inst_level_loose_acc" and manager.metric_questions(plan_of(said)) == []
    with pytest.raises(manager.ScriptError):
        manager.with_metrics([silent], ["ifeval"])


def test_a_token_in_a_text_is_not_published() -> None:
    with pytest.raises(manager.ScriptError, match="form of a token"):
        plan_of(entry(dataset=(("type", "a/b"), ("name", "datahf_" + "A" * 34))))


# --- Whose number it is ------------------------------------------------------------------------------------------

THEIRS = """\
---
license: mit # kept
model-index:
- name: Foo-7B
  results:
  - task: {type: text-generation}
    dataset: {type: openai/gsm8k, name: Grade school, config: main, split: test, revision: abc}
    metrics:
    - {type: exact_match, value: 70.0, name: theirs}
    source: SOURCE
  - dataset: {type: a/b, name: B} # stays
    task: {type: text-generation}
    metrics: [{type: acc, value: 3.5}]
---
# Foo
"""
SOURCES = {
    "url": "{name: A board, url: 'https://example.org/board'}",
    "name alone": "{name: A board}",
    "block": "\n      name: A board\n      url: https://example.org/board",
}


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("own", ["https://huggingface.co/acme/Foo-7B", None])
def test_the_source_goes_with_the_value_that_it_gave(source: str, newline: str, own: str | None) -> None:
    text = THEIRS.replace("SOURCE", source).replace("\n", newline)
    mine = entry(value=80.1, source_url=own)
    (asked,) = merged(text, mine)[1].conflicts
    assert "its source goes with it" in str(asked)
    new, change = merged(text, mine, replace=True)
    first, second = manager.read_metadata(new, "x").results
    assert first["metrics"][0]["value"] == 80.1 and first.get("source", {}).get("url") == own
    assert "board" not in new and "revision" not in first["dataset"]
    assert second == manager.read_metadata(text, "x").results[1] and "# stays" in new and "license: mit # kept" in new
    assert "\n" not in new.replace(newline, "")
    (line,) = [line for line in manager.plan_lines(plan_of(mine), change) if line.startswith("replaced: ")]
    assert "board there" in line and f"{own or 'none'} now" in line
    assert not merged(new, mine, replace=True)[1].files


def test_a_result_on_one_line_goes_as_a_whole() -> None:
    front = manager.read_metadata(THEIRS.replace("SOURCE", SOURCES["url"]), "x").values["model-index"]
    text = f"---\nmodel-index: {json.dumps(front)}\n---\n# Foo\n"
    new, _ = merged(text, entry(value=80.1), replace=True)
    first, second = manager.read_metadata(new, "x").results
    assert first["source"]["url"] == "https://huggingface.co/acme/Foo-7B" and first["metrics"][0]["value"] == 80.1
    assert second == front[0]["results"][1] and new.count("\n") == text.count("\n")


def test_a_source_of_several_values_is_not_taken_from_the_others() -> None:
    text = THEIRS.replace("SOURCE", SOURCES["url"]).replace("name: theirs}", "name: t}\n    - {type: f1, value: 9.5}")
    new, change = merged(text, entry(value=80.1), replace=True)
    assert new == text and "is that of 1 more" in str(change.conflicts[0])


def test_a_source_that_others_refer_to_is_not_broken() -> None:
    text = THEIRS.replace("SOURCE", "&s {name: A board}").replace("value: 3.5}]", "value: 3.5}]\n    source: *s")
    with pytest.raises(manager.ScriptError, match="by hand"):
        merged(text, entry(value=80.1), replace=True)


@pytest.mark.parametrize(
    "said", ["source: {name: A board, url: https://example.org}", "source: {user: somebody}", "date: '2020-01-02'"]
)
def test_a_file_names_no_source_or_date_that_the_new_value_has_not(said: str) -> None:
    two = f"{THERE}  {said}\n- dataset: {{id: a/b, task_id: c}}\n  value: 1 # stays\n"
    state = manager.RepoState(None, b"", {".eval_results/x.yaml": two})
    change = manager.merge(eval_plan(hle(30.0), replace=True), state)
    text = change.files[".eval_results/x.yaml"].decode()
    first, second = yaml.safe_load(text)
    assert (first["value"], second["value"]) == (30.0, 1) and "# kept" in text and "# stays" in text
    assert not {"somebody", "2020-01-02", "https://example.org"} & {*text.split(), first.get("date")}
    assert first.get("source", {}).get("url") == hle().source_url and change.replaced[0].source
    again = manager.RepoState(None, b"", {".eval_results/x.yaml": text})
    assert not manager.merge(eval_plan(hle(30.0), replace=True), again).files


THEIR_NAME = THEIRS.replace("Foo-7B", "NAME").replace("SOURCE", SOURCES["url"]).replace("gsm8k", "mmlu")


@pytest.mark.parametrize(
    ("name", "another"),
    [("Foo-7B-Chat", True), ("Foo-13B", True), ("Bar-7B", True), ("Foo-7B", False), ("acme/Foo-7B", False),
     ("foo_7b", False), ("output", False)],
)  # fmt: skip
def test_results_under_another_models_name_are_asked_about(
    name: str, another: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    card = tmp_path / "README.md"
    table = "\n| Model | GSM8K |\n|---|---|\n| Foo-7B | 61.5 |\n| Qux-7B | 50.5 |\n"
    text = THEIR_NAME.replace("NAME", name) + table
    card.write_text(text)
    options = ["--card", str(card), "--repo-id", "acme/Foo-7B"]
    extract = ["extract-readme", *options, "--format", "model-index", "--apply"]
    code = manager.main(extract)
    err = capsys.readouterr().err
    assert (code, card.read_text() == text, "another model's" in err) == (
        (3, True, True) if another else (0, False, False)
    )
    for command in ("show", "validate"):
        assert manager.main([command, *options]) == 0
        said = capsys.readouterr()
        assert ("another model's" in said.out + said.err) == another
    if another:
        assert manager.main([*extract, "--beside", name]) == 0 and card.read_text() != text
        assert "another model's" in capsys.readouterr().out
