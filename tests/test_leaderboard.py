"""Units, names, the order of sources, ranks: what a number on the leaderboard means."""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import os
import random
import re
import shutil
import statistics
import subprocess
from pathlib import Path

import leaderboard as board
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from leaderboard_data import card, eval_file, index_result, made_up_metadata, row, write_made_up
from record_writer import sample_row, write_record
from scipy import stats
from thoroughness import examples

MAPPING = board.read_mapping()
BENCHMARKS = board.Benchmarks.of(MAPPING)
PLACE = board.Provenance("author_metadata", "https://huggingface.co/lab/m", "lab", "0" * 40)


def index_rows(*results: dict, model: str = "lab/m") -> board.ModelReading:
    """What is read of a model-index."""
    reading = board.ModelReading(model)
    board.model_index_rows(reading, [{"name": "m", "results": list(results)}], PLACE, BENCHMARKS, "model-index")
    return reading


def settled(rows: list[dict]) -> list[dict]:
    return board.finished_rows(rows, MAPPING, [])


def comparable(*results: dict) -> dict[str, tuple]:
    """benchmark -> (comparable value, unit) of a card with these results."""
    return {r["benchmark"]: (r["comparable"], r["unit"]) for r in settled(index_rows(*results).rows)}


# --- names ---


@pytest.mark.parametrize(
    ("name", "dataset", "config", "key"),
    [
        ("AIME 2025", "OpenEvals/aime_2025", "", "aime_2025"),
        ("AIME25", "math-ai/aime25", "default", "aime_2025"),
        ("BBH (3-Shot)", "SaylorTwift/bbh", "", "bbh"),
        ("LiveCodeBench", "livecodebench/livecodebench", "", "livecodebench"),
        ("MMLU (5-Shot)", "cais/mmlu", "all", "mmlu"),
        ("AI2 Reasoning Challenge (25-Shot)", "ai2_arc", "ARC-Challenge", "arc_challenge"),
        ("ai2_arc", "allenai/ai2_arc", "ARC-Easy", "arc_easy"),
        ("MMLU-PRO (5-shot)", "TIGER-Lab/MMLU-Pro", "main", "mmlu_pro"),
        ("GPQA Diamond", "Idavidrein/gpqa", "gpqa_diamond", "gpqa_diamond"),
        ("GPQA (0-shot)", "Idavidrein/gpqa", "", "gpqa"),
        ("Humanity's Last Exam", "cais/hle", "", "hle"),
        ("GSM8k (5-shot)", "gsm8k", "main", "gsm8k"),
        ("", "openai/gsm8k", "main", "gsm8k"),
        ("SWE-bench Verified", "princeton-nlp/SWE-bench_Verified", "", "swe_bench_verified"),
        ("My own test", "me/my-test", "", None),
        ("", "allenai/ai2_arc", "", None),  # which of the two is not said
    ],
)
def test_model_index_names_find_their_benchmark(name, dataset, config, key):
    assert BENCHMARKS.of_dataset(name, dataset, config) == (key, None)


def test_a_part_of_a_benchmark_is_not_the_benchmark():
    key, why = BENCHMARKS.of_dataset("MMLU", "cais/mmlu", "abstract_algebra")
    assert key == "mmlu"
    assert "abstract_algebra" in why


@pytest.mark.parametrize(
    ("dataset", "task", "key"),
    [
        ("TIGER-Lab/MMLU-Pro", "mmlu_pro", "mmlu_pro"),
        ("tiger-lab/mmlu-pro", "MMLU_Pro", "mmlu_pro"),
        ("Idavidrein/gpqa", "gpqa_diamond", "gpqa_diamond"),
        ("cais/hle", "hle", "hle"),
        ("openai/gsm8k", "gsm8k", "gsm8k"),
        ("MathArena/aime_2026", "MathArena/aime_2026", "aime_2026"),
        ("OpenEvals/aime_2025", "aime_2025", "aime_2025"),
        ("SWE-bench/SWE-bench_Verified", "swe_bench_verified", "swe_bench_verified"),
        ("me/own", "own", None),
        ("someone/gsm8k-ru", "gsm8k", None),  # another data set
    ],
)
def test_eval_results_tasks_find_their_benchmark(dataset, task, key):
    assert BENCHMARKS.of_task(dataset, task) == key


def test_another_metric_is_kept_apart():
    rows = settled(index_rows(index_result("mmlu", 61.5, "f1"), index_result("mmlu", 62.5, "acc")).rows)
    assert [(r["comparable"], r["shown"]) for r in rows] == [(None, False), (0.625, True)]
    assert "f1 is not the metric" in rows[0]["why_not"]


def test_with_tools_is_kept_apart():
    text = eval_file("hle", 41.0, notes="With tools")[".eval_results/hle.yaml"]
    made = board.eval_results_row("lab/m", board.read_yaml(text)[0], PLACE, False, BENCHMARKS)
    (found,) = settled([made])
    assert found["comparable"] is None
    assert "with tools" in found["why_not"]


@pytest.mark.parametrize(("space", "known"), [("open-llm-leaderboard/open_llm_leaderboard", False), ("me/board", True)])
def test_rescaled_scores_are_no_accuracies(space, known):
    result = index_result("bbh", 13.34, "acc_norm") | {"source": {"url": f"https://huggingface.co/spaces/{space}"}}
    (found,) = settled(index_rows(result).rows)
    assert (found["comparable"] is not None) is known
    assert known or "rescaled" in found["why_not"]


# --- units ---


def test_above_one_a_share_is_a_percentage():
    assert comparable(index_result("gsm8k", 61.2)) == {"gsm8k": (0.612, "percent")}


def test_a_lone_share_below_one_is_not_guessed():
    (found,) = settled(index_rows(index_result("gsm8k", 0.61)).rows)
    assert (found["unit"], found["comparable"], found["shown"]) == (None, None, False)
    assert found["value"] == 0.61
    assert "nothing says which" in found["why_not"]


def test_far_below_guessing_it_can_only_be_a_proportion():
    assert comparable(index_result("mmlu", 0.61), index_result("gsm8k", 0.4)) == {
        "mmlu": (0.61, "proportion"),
        "gsm8k": (0.4, "proportion"),
    }


def test_beside_percentages_a_small_value_is_unclear_even_where_guessing_reaches_more():
    found = comparable(index_result("bbh", 55.0, "exact_match"), index_result("mmlu", 0.6))
    assert found == {"bbh": (0.55, "percent"), "mmlu": (None, None)}


@pytest.mark.parametrize("beside", [index_result("mmlu", "31.2%"), index_result("mmlu", 92.0, "f1")])
def test_percentages_that_are_not_compared_are_neighbours_too(beside):
    small = {"gsm8k": 0.8, "aime_2025": 0.6, "swe_bench_verified": 0.5}
    found = comparable(*(index_result(key, value) for key, value in small.items()), beside)
    assert {found[key] for key in small} == {(None, None)}


def test_three_values_of_at_most_one_are_proportions_and_two_are_not():
    three = [index_result("gsm8k", 0.6), index_result("aime_2025", 0.2), index_result("swe_bench_verified", 0.1)]
    assert {unit for _, unit in comparable(*three).values()} == {"proportion"}
    assert {unit for _, unit in comparable(*three[:2]).values()} == {None}


def test_zero_is_zero_in_every_unit():
    assert comparable(index_result("aime_2025", 0)) == {"aime_2025": (0.0, "proportion")}


@pytest.mark.parametrize("value", [-0.5, -3, 100.4, 5000])
def test_what_no_share_can_be_is_kept_apart(value):
    assert comparable(index_result("gsm8k", value)) == {"gsm8k": (None, None)}


@pytest.mark.parametrize(("text", "expected"), [("72.4%", 0.724), ("0.5 %", 0.005), ("72.4", 0.724)])
def test_numbers_written_as_text(text, expected):
    (found,) = settled(index_rows(index_result("gsm8k", text)).rows)
    assert found["comparable"] == expected
    assert "written as" in found["notes"]


def test_a_percent_sign_in_the_metric_says_the_unit():
    assert comparable(index_result("gsm8k", 0.8, "accuracy (%)"))["gsm8k"][1] in (None, "percent")
    result = index_result("gsm8k", 0.8)
    result["metrics"][0]["name"] = "Accuracy (%)"
    assert comparable(result) == {"gsm8k": (0.008, "percent")}


def test_a_hub_benchmark_tells_by_the_values_of_others():
    def entry(model: str, value: float) -> dict:
        data = {"dataset": {"id": "cais/hle", "task_id": "hle"}, "value": value}
        return board.eval_results_row(model, data, PLACE, False, BENCHMARKS)

    def shares_again() -> list[dict]:
        return [entry(f"lab/{n}", round(0.1 + n / 100, 2)) for n in range(3)]

    shares = settled(shares_again())
    assert {r["unit"] for r in shares} == {"proportion"}
    mixed = settled([entry("lab/a", 0.9), entry("lab/b", 12.0)])
    assert [r["comparable"] for r in mixed] == [None, 0.12]
    assert "Benchmark has values above 1" in mixed[0]["why_not"]
    stranger = entry("lab/x", 50.0) | {"source_type": "open_pr"}
    assert [r["comparable"] for r in settled([*shares_again(), stranger])][:3] == [0.1, 0.11, 0.12]


def test_points_keep_their_scale():
    result = index_result("mmlu", 7.4, "score")
    result["dataset"] = {"name": "MT-Bench", "type": "lmsys/mt_bench"}
    assert comparable(result) == {"mt_bench": (7.4, "points")}
    result["metrics"][0]["value"] = 74.0
    assert comparable(result) == {"mt_bench": (None, None)}


@settings(deadline=None)
@given(st.floats(0, 100, allow_nan=False))
def test_percent_to_proportion_is_exact_in_decimal(value):
    from decimal import Decimal

    assert board.converted(value, "percent", "proportion") == float(Decimal(repr(value)) / 100)
    assert board.converted(value, "points", "proportion") is None
    assert board.converted(None, "percent", "proportion") is None


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["gsm8k", "mmlu", "aime_2025", "bbh", "arc_challenge", "swe_bench_verified"]),
            st.floats(-5, 120, allow_nan=False),
        ),
        max_size=8,
    )
)
def test_a_comparable_value_is_the_written_one_in_a_unit_that_is_named(results):
    for found in settled(index_rows(*(index_result(key, value) for key, value in results)).rows):
        if found["comparable"] is None:
            assert found["why_not"]
            assert not found["shown"]
        else:
            assert found["comparable"] in (found["value"], board.converted(found["value"], "percent", "proportion"))
            assert 0 <= found["comparable"] <= 1
            assert found["unit_basis"]


# --- which one is shown ---


@settings(max_examples=examples(200), deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["lab/a", "lab/b"]),
            st.sampled_from(["gsm8k", "mmlu"]),
            st.sampled_from(list(board.SOURCE_TYPES)),
            st.floats(0.01, 1),
            st.sampled_from([None, "2026-01-01", "2026-05-01"]),
        ),
        max_size=20,
    ),
    st.randoms(),
)
def test_exactly_one_is_shown_and_it_is_of_the_first_kind(given_rows, rng):
    rows = [row(m, k, v, source_type=s, date=d, source_format="record") for m, k, s, v, d in given_rows]
    board.choose_shown(rows)
    order = list(board.SOURCE_TYPES)
    for place in {(r["model"], r["benchmark"]) for r in rows}:
        group = [r for r in rows if (r["model"], r["benchmark"]) == place]
        (shown,) = [r for r in group if r["shown"]]
        first = [r for r in group if r["source_type"] == shown["source_type"]]
        assert all(order.index(shown["source_type"]) <= order.index(r["source_type"]) for r in group)
        assert (shown["date"] or "") == max(r["date"] or "" for r in first)
    # the values play no part: exchange them, and the same rows are shown
    before = [r["shown"] for r in rows]
    values = [r["comparable"] for r in rows]
    rng.shuffle(values)
    for r, value in zip(rows, values, strict=True):
        r["comparable"] = value
    board.choose_shown(rows)
    assert [r["shown"] for r in rows] == before


def test_of_one_author_the_newer_format_is_shown():
    rows = [
        row("a/b", "gsm8k", 0.5, source_format="model_index", date="2026-09-01"),
        row("a/b", "gsm8k", 0.4, date=None),
    ]
    board.choose_shown(rows)
    assert [r["shown"] for r in rows] == [False, True]


# --- hostile metadata ---


def test_html_stays_text_and_script_links_are_dropped():
    source = {"name": "<b>me</b>", "url": "javascript:alert(1)"}
    result = index_result("gsm8k", 61.0, source=source)
    result["dataset"]["name"] = 'GSM8K <img src=x onerror="alert(1)">'
    (found,) = settled(index_rows(result).rows)
    assert found["source_url"] == PLACE.url
    assert "dropped" in found["notes"]
    assert found["source_name"] == "<b>me</b>"  # text; the page escapes it
    assert found["benchmark"] == "gsm8k"  # by its data set


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)", "JaVaScRiPt:alert(1)", " javascript:alert(1)", "java\nscript:alert(1)",
        "data:text/html,<script>alert(1)</script>", "vbscript:x", "//evil.example", "file:///etc/passwd",
        "https://user:secret@example.org/", "https://example.org/\u202egnp", 'https://example.org/"onclick="x',
        "https://example.org/<script>", "https://", "http://[", 7, ["https://example.org"], "https://a/" + "x" * 3000,
    ],
)  # fmt: skip
def test_only_plain_web_addresses_are_kept(url):
    assert board.kept_url(url) is None


def test_control_characters_and_turned_writing_go():
    assert board.kept_text("a\x00b\x1b[31mc\u202ed\u2066e\nf") == "a b [31mc d e f"
    assert board.kept_text("x" * 1000) == "x" * 299 + "…"
    assert board.kept_text({"a": 1}) is None
    assert board.kept_text(" \u200b ") is None


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**400, True, None, "lots", [1], {"a": 1}, "1e999", ""])
def test_what_is_no_finite_number_is_unreadable(value):
    reading = index_rows(index_result("gsm8k", value), index_result("mmlu", 50.0))
    assert [r["value"] for r in reading.rows] == [50.0]
    assert reading.unreadable[0]["where"] == "model-index[0].results[0].metrics[0]"


@settings(max_examples=examples(300), deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["results", "dataset", "metrics", "value", "type", "name", "task", "source", "args", "url"]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_no_metadata_stops_the_run(data):
    reading = board.ModelReading("lab/m")
    board.model_index_rows(reading, data, PLACE, BENCHMARKS, "model-index")
    for item in (data, {"dataset": data, "value": data}, {"dataset": {"id": data, "task_id": data}, "value": 1}):
        with contextlib.suppress(board.Unreadable):
            reading.rows.append(board.eval_results_row("lab/m", item, PLACE, False, BENCHMARKS))
    board.model_facts({"cardData": data, "safetensors": data, "downloads": data, "library_name": data})
    json.dumps(settled(reading.rows), allow_nan=False)


def test_yaml_that_grows_without_bound_is_refused():
    bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(
        f"{new}: &{new} [{', '.join(['*' + old] * 10)}]\n" for old, new in zip("abcdefg", "bcdefgh", strict=True)
    )
    for text in (
        bomb,
        "&a [*a]",
        "[" * 5000,
        "x: " + "y" * 600_000,
        "!!python/object/apply:os.system [id]",
        "a: [",
        "2026-13-45",
    ):
        with pytest.raises(board.Unreadable):
            board.read_yaml(text)
    assert board.read_yaml("- {value: 1}") == [{"value": 1}]


def test_facts_of_a_model():
    info = {
        "cardData": {"license": "other", "license_name": "made-up-license"},
        "safetensors": {"total": 7_000_000_000, "parameters": {"BF16": 7_000_000_000}},
        "downloads": 12, "likes": -4, "library_name": "transformers", "pipeline_tag": "text-generation",
    }  # fmt: skip
    assert board.model_facts(info) == {
        "parameters": 7_000_000_000, "license": "made-up-license", "downloads": 12, "likes": None,
        "library": "transformers", "pipeline_tag": "text-generation",
    }  # fmt: skip
    assert board.model_facts({"gguf": {"total": 5}})["parameters"] == 5


def test_values_in_a_diff():
    diff = "--- a/README.md\n+++ b/README.md\n-    value: 1\n+      value: 61.5\n"
    diff += "+  - {type: acc, value: '0.4'}\n value: 9\n"
    assert board.added_values(diff) == {61.5, 0.4}


# --- what is told ---


@pytest.mark.parametrize("folder", ["secret-project", "secret project", "s\u00e9cret"])
def test_reasons_name_no_folder_of_this_machine(tmp_path, monkeypatch, capsys, folder):
    """Neither metadata.json nor the page nor the data set's files say where somebody keeps records."""
    results = tmp_path / folder / "results"
    results.mkdir(parents=True)
    examples = Path(board.__file__).resolve().parents[1] / "examples/tiny_run/results"
    good = next(examples.rglob("????????-*[0-9a-f].json"))
    for file in (good, good.with_name(f"{good.stem}_samples.jsonl")):
        shutil.copy(file, results / file.name)
    for name in ("8e29e4a2-0000-4000-8000-000000000000.json", "8e29e4a2-0000-4000-8000-000000000001.json"):
        (results / name).write_text("{" if name.endswith("0.json") else "[]")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for where, place in ((tmp_path, f"{folder}/results"), (tmp_path / folder, "results"), (Path("/"), str(results))):
        monkeypatch.chdir(where)
        out = tmp_path / "board"
        assert board.main(["collect", "--results", place, "--output-dir", str(out)]) == 1
        capsys.readouterr()
        text = (out / "metadata.json").read_text(encoding="utf-8")
        assert len(json.loads(text)["unreadable"]) == 2
        text += (out / "leaderboard.jsonl").read_text(encoding="utf-8") + board.read_page(out)
        assert folder not in text
        assert str(tmp_path) not in text


@pytest.mark.parametrize("name", ["\u200b\u200c", "\u2060", "\u3164", "\ufeff \u00ad", "-", "..."])
def test_a_model_without_a_name_to_see_is_refused(name):
    with pytest.raises(ValueError, match="names no model"):
        board.model_name(name)
    assert board.model_name(f"{name}a/b") == board.kept_text(f"{name}a/b")


# --- ranks ---


def ranked(values: list[float], errors: list[float | None], **more: object) -> list[str]:
    rows = [
        row(f"m{n}", "elo", v, comparable_error=e, canonical_unit="points", **more)
        for n, (v, e) in enumerate(zip(values, errors, strict=True))
    ]
    found = board.rank_ranges(rows)
    return [str(found[f"m{n}"]) for n in range(len(values))]


def test_rank_ranges_by_hand():
    # Differences 10 with error sqrt(2): z = 7.1; difference 1: z = 0.7. So two groups of two.
    assert ranked([50, 49, 40, 39], [1, 1, 1, 1]) == ["1–2", "1–2", "3–4", "3–4"]
    # z of the neighbours = 3 / sqrt(2) = 2.12 (p = 0.034), of the ends 4.24 (p = 0.00002). Holm: the ends at 0.05 / 3,
    # then the neighbours at 0.05 / 2 = 0.025 < 0.034: not told apart.
    assert ranked([46, 43, 40], [1, 1, 1]) == ["1–2", "1–3", "2–3"]
    # z = 3.3 / sqrt(2) = 2.33 (p = 0.0196): above 0.05 / 3, so a single step would not tell them apart, but 0.05 / 2
    # does once the ends are told apart.
    assert ranked([46.6, 43.3, 40], [1, 1, 1]) == ["1", "2", "3"]
    assert ranked([1.0], [0.1]) == ["1"]
    assert ranked([3, 9], [0.1, 0.1], lower_is_better=True) == ["1", "2"]


def test_ranks_of_equal_and_of_unknown():
    assert ranked([5, 5, 5], [0.0001] * 3) == ["1–3"] * 3
    # Of 40 nothing is known: it may be the best, or the worst.
    assert ranked([50, 40, 30], [1, None, 1]) == ["1–2", "n/a", "2–3"]
    assert ranked([1900, 1500], [None, 5]) == ["n/a", "1–2"]
    assert board.rank_ranges([]) == {}


def test_errors_without_a_stated_one():
    error, basis = board.row_error(row("m", "gsm8k", 0.5, n=98))
    assert (round(error, 6), basis) == (0.05, "binomial, stated n")  # (49 + 1) / 100; sqrt(0.25 / 100)
    error, basis = board.row_error(row("m", "gpqa_diamond", 0.0))
    assert basis == "binomial, full test set"
    assert error == pytest.approx(math.sqrt(1 / 200 * 199 / 200 / 200))  # not zero: 0 of 198 may be luck
    percent = row("m", "gsm8k", 50.0, n=98, canonical_unit="percent")
    assert board.row_error(percent)[0] == pytest.approx(5.0)
    assert board.row_error(row("m", "mt_bench", 7.0, canonical_unit="points")) == (None, "unknown")
    assert board.row_error(row("m", "livebench", 0.5)) == (None, "unknown")
    assert board.row_error(row("m", "gsm8k", 0.5, comparable_error=0.02, n=98)) == (0.02, "stated")
    assert board.row_error(row("m", "gsm8k", 1.0, comparable_error=0.0, n=98))[1] == "binomial, stated n"


def holm(p_values: list[float]) -> list[bool]:
    """Holm (1979) as written: in the order of the p-values, until the first that is above alpha / (tests left)."""
    told = [False] * len(p_values)
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        if p_values[place] > 0.05 / (len(p_values) - rank):
            break
        told[place] = True
    return told


scores = st.lists(st.tuples(st.floats(0, 100), st.floats(0.01, 10)), min_size=2, max_size=14)


@settings(max_examples=examples(200), deadline=None)
@given(scores)
def test_rank_ranges_agree_with_holm_over_all_pairs(made):
    count = len(made)
    pairs = [(i, j) for i in range(count) for j in range(i)]

    def p_value(i: int, j: int) -> float:
        distance = abs(made[i][0] - made[j][0]) / math.hypot(made[i][1], made[j][1])
        return math.erfc(distance / math.sqrt(2))

    told = dict(zip(pairs, holm([p_value(*pair) for pair in pairs]), strict=True))
    low, high = [1] * count, [count] * count
    for (i, j), rejected in told.items():
        if rejected:
            better, worse = (i, j) if made[i][0] > made[j][0] else (j, i)
            low[worse] += 1
            high[better] -= 1
    found = board.rank_ranges(
        [row(f"m{n}", "x", v, comparable_error=e, canonical_unit="points") for n, (v, e) in enumerate(made)]
    )
    assert [(found[f"m{n}"].low, found[f"m{n}"].high) for n in range(count)] == list(zip(low, high, strict=True))


@settings(max_examples=examples(100), deadline=None)
@given(scores, st.randoms())
def test_rank_ranges_hold_the_rank_and_depend_on_nothing_else(made, rng):
    rows = [row(f"m{n}", "x", v, comparable_error=e, canonical_unit="points") for n, (v, e) in enumerate(made)]
    found = board.rank_ranges(rows)
    ordered = sorted(rows, key=lambda r: -r["comparable"])
    for place, r in enumerate(ordered, 1):
        equal = [i for i, other in enumerate(ordered, 1) if other["comparable"] == r["comparable"]]
        assert found[r["model"]].low <= max(equal)
        assert found[r["model"]].high >= min(equal), place
    rng.shuffle(rows)
    assert board.rank_ranges(rows) == found  # the order of the rows
    turned = [r | {"comparable": -r["comparable"], "lower_is_better": True} for r in rows]
    assert board.rank_ranges(turned) == found  # the direction of the scale


def counts_pair_by_pair(values: np.ndarray, raised: np.ndarray, variances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How many are significantly higher and lower, from the table of all pairs: Holm's step-down."""
    distance = values[None, :] - raised[:, None]
    error = np.sqrt(variances[None, :] + variances[:, None])
    pairs, rejected = len(values) * (len(values) - 1) // 2, 0
    while True:
        threshold = statistics.NormalDist().inv_cdf(1 - 0.05 / max(pairs - rejected, 1) / 2)
        told = distance >= threshold * error
        if told.sum() <= rejected:
            return told.sum(axis=1), told.sum(axis=0)
        rejected = int(told.sum())


ERRORS = {
    "one": lambda rng, v: np.full(len(v), 0.02),
    "some": lambda rng, v: rng.uniform(0.004, 0.03, len(v)),
    "all sizes": lambda rng, v: 10 ** rng.uniform(-4, 0, len(v)),
    "of shares": lambda rng, v: np.sqrt((v + 0.01) * (1.01 - v) / rng.choice([30, 198, 1319, 14042], len(v))),
    "small": lambda rng, v: np.full(len(v), 1e-6),
    "large": lambda rng, v: np.full(len(v), 10.0),
}


@pytest.mark.parametrize("errors", ERRORS.values(), ids=ERRORS)
def test_counts_are_those_of_all_pairs(errors):
    """Found by bisection in groups of like errors, they are the same as from the table of all pairs."""
    rng = np.random.default_rng(5)
    for count in (2, 3, 17, 300, 1500):
        for values in (rng.random(count), rng.integers(0, 20, count) / 20):
            variances = errors(rng, values) ** 2
            made = values, values + variances * rng.integers(0, 2), variances
            found, wanted = board.significant_counts(*made), counts_pair_by_pair(*made)
            assert all(np.array_equal(a, b) for a, b in zip(found, wanted, strict=True))


def side_of_counts(n: int, stated: bool) -> tuple[np.ndarray, ...]:
    """What is tested of every number of right answers of n: with the error that a harness states, or with none."""
    rows = [row("m", "x", k / n, n=n) for k in range(n + 1)]
    for one in rows if stated else ():
        one["comparable_error"] = math.sqrt(one["comparable"] * (1 - one["comparable"]) / (n - 1))
    return board.tested_values(rows, np.array([board.row_error(one)[0] for one in rows]), False)


@pytest.mark.parametrize("stated", [False, True])
def test_equal_models_of_few_items_are_not_told_apart_for_certain(stated):
    """The exact chance that two equally good models are told apart, of as few as three answers against any number."""
    sizes, z = (3, 4, 5, 7, 10, 15, 30, 100, 400, 1319), statistics.NormalDist().inv_cdf(0.975)
    sides, worst = {n: side_of_counts(n, stated) for n in sizes}, 0.0
    for one, other in itertools.combinations_with_replacement(sizes, 2):
        (low, high, spread), (low2, high2, spread2) = sides[one], sides[other]
        error = np.sqrt(spread[:, None] + spread2[None, :])
        told = (low[:, None] - high2[None, :] >= z * error) | (low2[None, :] - high[:, None] >= z * error)
        for p in (0.01, 0.03, 0.1, 0.3, 0.5, 0.8, 0.9, 0.97, 0.99):
            chances = [stats.binom.pmf(np.arange(n + 1), n, p) for n in (one, other)]
            worst = max(worst, float(chances[0] @ told @ chances[1]))
    assert worst < 0.051


SMOKE_RUNS = [(10, 10, 0.799), (5, 5, 0.697), (20, 20, 0.895), (3, 3, 0.5), (0, 3, 0.6)]


@pytest.mark.parametrize(("few", "n", "many"), SMOKE_RUNS)
def test_a_smoke_run_is_no_certain_first_or_last(few, n, many):
    rows = [row("smoke", "gsm8k", few / n, n=n), row("whole", "gsm8k", many, n=1319)]
    for turned in (rows, [one | {"comparable": 1 - one["comparable"], "lower_is_better": True} for one in rows]):
        assert {str(rank) for rank in board.rank_ranges(turned).values()} == {"1–2"}
    means = [board.mean_row(one["model"], [one]) for one in rows]
    assert {str(rank) for rank in board.rank_ranges(means).values()} == {"1–2"}
    assert str(board.rank_ranges([rows[1], row("worse", "gsm8k", many - 0.1, n=1319)])["whole"]) == "1"


def test_scores_without_a_range_of_few_items_have_no_error():
    assert board.row_error(row("m", "x", 31.0, comparable_error=0.1, n=9, canonical_unit="points")) == (None, "unknown")
    error, basis = board.row_error(row("m", "x", 0.9, comparable_error=0.001, n=9))
    assert error > 0.08 and basis == "binomial, stated n"


# --- the overall order ---


def shared_board(holes: float, models: int = 300, benchmarks: int = 12) -> list[dict]:
    rng = random.Random(11)
    keys = [f"b{n:02}" for n in range(benchmarks)]
    return [
        row(f"lab/m{n:03}", key, round(0.2 + n / 1000 + rng.random() / 50, 4), comparable_error=0.004)
        for n in range(models)
        for key in keys
        if rng.random() >= holes
    ]


def about(rows: list[dict]) -> list[dict]:
    return board.benchmark_coverage(rows, {})


def test_the_overall_order_stands_on_what_many_models_share():
    rows = shared_board(0.3)
    keys = board.primary_benchmarks(rows, about(rows))
    complete = [one for one in board.overall_order(rows, keys) if one.mean is not None]
    assert 2 <= len(keys) <= 5
    assert len(complete) >= 75, "twelve benchmarks have four of 300"
    full = shared_board(0.0)
    assert board.primary_benchmarks(full, about(full)) == [f"b{n:02}" for n in range(12)]
    assert board.primary_benchmarks([], []) == []


def test_only_one_unit_and_direction_is_averaged():
    points = {"canonical_unit": "points", "comparable_error": 1.0}
    rows = shared_board(0.0, 10, 2)
    rows += [row(f"lab/m{n:03}", "elo", 1000 + n, **points) for n in range(40)]
    assert board.primary_benchmarks(rows, about(rows)) == ["elo"], "forty numbers are more than twenty"
    rows = rows[:30]
    assert board.primary_benchmarks(rows, about(rows)) == ["b00", "b01"]
    with pytest.raises(board.ScriptError, match="b00 and elo differ"):
        board.fixed_primary(["b00", "elo"], about(rows))
    wer = [row("lab/m000", key, 0.1, lower_is_better=True) for key in ("clean", "other")]
    assert board.primary_benchmarks(wer, about(wer)) == ["clean", "other"]
    assert (
        board.overall_order([*wer, *(r | {"model": "b/b", "comparable": 0.05} for r in wer)], ["clean", "other"])[
            0
        ].model
        == "b/b"
    )


def test_two_metrics_of_the_same_answers_count_once():
    measure = {"lower_is_better": True, "benchmark_name": "my-asr"}
    rows = [
        row(f"m/{n}", f"{base}{metric and f' ({metric})'}", value, metric=metric or "wer", comparable_error=0.01)
        | measure
        for n, value in enumerate((0.10, 0.125))
        for base, metric in (("my-asr", "wer"), ("my-asr", "cer"), ("other", ""))
    ]
    mapping = {"my-asr (wer)": {}, "my-asr (cer)": {}, "other": {}}
    told = board.benchmark_coverage(rows, mapping)
    assert board.primary_benchmarks(rows, told) == ["my-asr (wer)", "other"], "the record's first metric"
    one = [r for r in rows if r["benchmark"] != "other"]
    keys = board.primary_benchmarks(one, board.benchmark_coverage(one, mapping))
    assert keys == ["my-asr (wer)"]
    assert "my-asr (cer): of the same answers as my-asr (wer)" in board.shared_answers_text(one, keys)
    both = ["my-asr (cer)", "my-asr (wer)"]
    standings = board.overall_order(one, both)
    assert [place.error for place in standings] == [pytest.approx(1.0)] * 2, "no smaller than of one metric"
    assert "Not certain" in board.leader_text(standings, "X", 2), "2.5 apart: z is 1.8, not 2.5"
    assert "their errors add up" in board.shared_answers_text(one, both)
    hard = [row("m/0", key, 0.5, metric="accuracy") for key in ("own (easy)", "own (hard)")]
    assert board.primary_benchmarks(hard, about(hard)) == ["own (easy)", "own (hard)"], "parts, no metrics"
    assert board.shared_answers_text(hard, ["own (easy)"]) == ""


def collected(results: Path, out: Path, capsys) -> tuple[dict, str]:
    """(what show says of a board of some records, its lines for people)."""
    assert board.main(["collect", "--results", str(results), "--output-dir", str(out)]) == 0
    capsys.readouterr()
    assert board.main(["show", "--data", str(out), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert board.main(["show", "--data", str(out)]) == 0
    return shown, " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("unlike", ["", "scores", "answers", "items", "one model"])
def test_one_measurement_under_two_names_counts_once(tmp_path, capsys, unlike):
    """The same items with the same scores, or the same answers, for every model that has both names."""
    rng = random.Random(3)
    for model in ("me/a", "me/b", "me/c"):
        scores = {task: [float(rng.random() < 0.7) for _ in range(60)] for task in ("gsm8k", "arc_challenge")}
        scores["my_gsm"] = scores["gsm8k"]
        for task, own in scores.items():
            other = task == "my_gsm" and (unlike != "one model" or model == "me/b")
            rows = [sample_row(i, value) for i, value in enumerate(own)]
            for i, line in enumerate(rows):
                line["output"]["raw"] = [f"{i * (task != 'arc_challenge')} {model}"]
                line["sample_hash"] += task if task == "arc_challenge" or (other and unlike == "items") else ""
                if other and unlike in ("scores", "one model"):
                    line["output"]["raw"] = [f"{i} another answer"]
                if (other and unlike in ("scores", "one model", "answers")) and i % 7 == 0:
                    line["evaluation"]["score"] = 1 - line["evaluation"]["score"]
            found = [line["evaluation"]["score"] for line in rows]
            size = {"samples_number": 60}
            write_record(tmp_path / "results", model, found, task=task, rows=rows, error=0.06, source=size)
    shown, said = collected(tmp_path / "results", tmp_path / "board", capsys)
    same = unlike in ("", "answers")
    assert shown["primary"] == (["arc_challenge", "gsm8k"] if same else ["arc_challenge", "gsm8k", "my_gsm"])
    assert ("my_gsm: of the same answers as gsm8k, so not counted again" in said) == same
    board.main(["show", "--data", str(tmp_path / "board"), "--primary", "gsm8k,my_gsm"])
    assert ("gsm8k, my_gsm are of the same answers" in " ".join(capsys.readouterr().out.split())) == same
    page = board.read_page(tmp_path / "board")
    assert ("of the same answers" in page.partition("</table>")[0]) == same


def test_marks_of_parts_add_up_to_that_of_the_whole_in_any_order():
    marks = [f"s{n}:{n * 2**62:016x} a{n}:{n:016x}" for n in (1, 2, 3)]
    assert board.sum_of_marks(marks) == board.sum_of_marks(marks[::-1]) == f"s6:{6 * 2**62 % 2**64:016x} a6:{6:016x}"
    assert board.sum_of_marks([marks[0], "s1:0000000000000001"]) == f"s2:{2**62 + 1:016x}"
    assert board.sum_of_marks([marks[0], None]) is None


def test_standings_by_hand():
    rows = [
        row("a/a", "x", 0.8, comparable_error=0.03), row("a/a", "y", 0.6, comparable_error=0.04),
        row("b/b", "x", 0.5, comparable_error=0.03), row("b/b", "y", 0.3, comparable_error=0.04),
        row("c/c", "x", 0.99, comparable_error=0.001),
        row("d/d", "x", 0.9), row("d/d", "y", 0.9),
    ]  # fmt: skip
    first, *others = board.overall_order(rows, ["x", "y"])
    assert (first.model, first.mean, first.error, str(first.rank)) == ("d/d", pytest.approx(90), None, "n/a")
    assert [(one.model, one.have, one.mean) for one in others] == [
        ("a/a", 2, pytest.approx(70)), ("b/b", 2, pytest.approx(40)), ("c/c", 1, None),
    ]  # fmt: skip
    assert others[0].error == pytest.approx(100 * math.hypot(0.03, 0.04) / 2)  # 2.5 points; 30 apart is z = 8.5
    assert [str(one.rank) for one in others] == ["1–2", "2–3", "n/a"], "d may be anywhere, and c has no place"


@pytest.mark.parametrize(
    ("star", "lower", "needs", "certain"),
    [
        ({"x": 0.891, "y": 0.952}, False, 7.4, False),  # what it lacks would have to go very wrong
        ({"x": 0.1, "y": 0.1}, False, None, True),  # 172 points of 100
        ({"x": 0.1}, False, 91.0, False),
        ({"x": 0.45, "y": 0.45}, False, None, False),  # not by the numbers, but within their errors
        ({"x": 0.3, "y": 0.3}, True, None, True),  # an error rate is at least 0
        ({"x": 0.05, "y": 0.02}, True, 20.0, False),
        ({"x": 0.14, "y": 0.14}, True, None, False),  # 0 there makes 9.3, and the leader has 9.0 ± 0.6
        ({"x": None, "y": 0.1}, False, 91.0, False),  # of another unit: no number to compare, so it lacks it
    ],
)
def test_a_lead_is_not_certain_where_a_model_that_lacks_a_benchmark_could_overtake(star, lower, needs, certain):
    values = {"l/leader": (0.09, 0.09, 0.09) if lower else (0.64, 0.64, 0.64)}
    values |= {"o/other": (0.5, 0.5, 0.5) if lower else (0.2, 0.2, 0.2)}
    scores = [(m, k, v) for m, own in values.items() for k, v in zip("xyz", own, strict=True)]
    scores += [("s/star", key, value) for key, value in star.items() if value is not None]
    rows = [row(m, k, v, comparable_error=0.01) | {"lower_is_better": lower} for m, k, v in scores]
    standings = board.overall_order(rows, list("xyz"))
    (own,) = [one.needs for one in standings if one.model == "s/star"]
    assert own == needs if needs is None else own == pytest.approx(needs, abs=0.5)
    assert board.is_certain(standings, "") is certain
    text = board.leader_text(standings, "X", 3, lower=lower)
    assert ("That is certain (95 %)." in text) is certain and ("s/star" in text) is not certain
    told = "could come within the errors" if needs is None else "would need"
    assert certain or f"s/star ({len(star) - (None in star.values())} of 3) {told}" in text


@pytest.mark.parametrize("lower", [False, True])
def test_only_what_the_best_possible_numbers_would_pass_could_lead(lower):
    """Of four that lack one of two benchmarks: what each would have with a perfect number there decides."""
    values = {"l/leader": (0.79, 0.79), "o/other": (0.2, 0.2), "a/able": (0.6,), "b/able": (0.7,), "n/near": (0.57,)}
    rows = [
        row(model, key, 1 - v if lower else v, comparable_error=0.01) | {"lower_is_better": lower}
        for model, own in (values | {"f/far": (0.3,)}).items()
        for key, v in zip("xy", own, strict=False)
    ]
    standings = board.overall_order(rows, list("xy"))
    best = {model: (own[0] + 1) / 2 for model, own in values.items() if len(own) == 1}
    assert {one.model for one in standings if one.needs is not None} == {m for m, v in best.items() if v > 0.79}
    assert [one.model for one in standings if one.near] == ["a/able", "b/able", "n/near"]
    text = board.leader_text(standings, "X", 6, lower=lower)
    assert "b/able (1 of 2) would need" in text and "and 1 more could lead." in text


def test_what_is_said_of_the_leader():
    def said(*scores: tuple, models: int = 2) -> str:
        rows = [row(f"m/{n}", "x", v, comparable_error=e) for n, (v, e) in enumerate(scores)]
        return board.leader_text(board.overall_order(rows, ["x"]), "X", models)

    assert said((0.8, 0.01), (0.5, 0.01)) == (
        "m/0 leads by 30.0 points over m/1 (80.0 ± 1.0 std. error to 50.0 ± 1.0 std. error). "
        "That is certain (95 %). Among all 2 models. By X."
    )
    assert "Among 2 of 40 models: the other 38 have no number to compare. By X." in said(
        (0.8, 0.01), (0.5, 0.01), models=40
    )
    both = [row(f"m/{n}", key, 0.5, comparable_error=0.01) for n in range(2) for key in ("x", "y")]
    text = board.leader_text(board.overall_order(both[:3], ["x", "y"]), "X", 2)
    lacks = "Among 1 of 2 models: the other one has no number for a benchmark of this average"
    assert text.endswith(f"{lacks}; m/1 (1 of 2) would need 50.0 there to lead. By X.")
    assert "Not certain: m/1 cannot be told apart from it (95 %)." in said((0.8, 0.1), (0.79, 0.1))
    assert "Not certain: m/1 and 2 others cannot be told apart from it" in said(
        *[(0.8 - n / 99, 0.1) for n in range(4)]
    )
    assert "an error is missing" in said((0.8, None), (0.5, 0.01))
    assert "the error of others is not known" in said((0.8, 0.01), (0.5, None))
    assert "m/0 is level with m/1 (80.0 ± 1.0 std. error to 80.0 ± 1.0 std. error)." in said((0.8, 0.01), (0.8, 0.01))
    assert "no other model can be compared" in said((0.8, 0.01))
    assert board.leader_text([], "X", 3) == "No model has X."


@pytest.mark.parametrize(
    ("second", "said"),
    [
        ({}, "That is certain (95 %)."),
        ({"few_shot": "0"}, "not measured alike: GSM8K (0-shot, 5-shot)"),
        ({"dtype": "int8"}, "not measured alike: GSM8K (settings that compare_results.py tells)"),
        ({"metric": "acc_norm"}, "no other model can be compared"),  # another metric than the column's
    ],
)
def test_what_was_not_measured_alike_is_not_called_certain(tmp_path, capsys, second, said):
    """What compare_results calls NOT COMPARABLE, no board calls a certain lead."""
    for model, score, said_by in (("a/one", 1.0, {}), ("a/two", 0.0, second)):
        scores = [score] * 900 + [0.0, 1.0] * 200
        shots = int(said_by.get("few_shot", 5))
        more = {key: value for key, value in said_by.items() if key not in ("few_shot", "metric")}
        metric = {"metric": said_by.get("metric", "acc")} if "metric" in second else {}
        settings = {"dtype": "bf16"} | more
        write_record(tmp_path / "r", model, scores, task="gsm8k", shots=shots, settings=settings, **metric)
    assert board.main(["collect", "--results", str(tmp_path / "r"), "--output-dir", str(tmp_path / "d")]) == 0
    capsys.readouterr()
    assert board.main(["show", "--data", str(tmp_path / "d")]) == 0
    out = capsys.readouterr().out
    assert out.startswith("a/one leads ") and said in out and ("That is certain" in out) is (not second)
    assert board.main(["show", "--data", str(tmp_path / "d"), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    unlike = ["gsm8k"] if second and "metric" not in second else []
    assert list(shown["not_alike"]) == unlike and shown["certain"] is (not second)
    assert said in board.read_page(tmp_path / "d").partition("</table>")[0]  # before any script runs


@pytest.mark.parametrize("lower", [False, True])
def test_the_head_of_an_error_rate_says_that_less_is_better(tmp_path, capsys, lower):
    for model, wrong in (("a/one", 128), ("a/two", 101)):
        scores = [float(place < wrong) for place in range(1000)]
        write_record(tmp_path / "r", model, scores, task="our_asr", metric="wer" if lower else "acc", lower=lower)
    assert board.main(["collect", "--results", str(tmp_path / "r"), "--output-dir", str(tmp_path / "d")]) == 0
    for more in ([], ["--benchmark", "our_asr"]):
        capsys.readouterr()
        assert board.main(["show", "--data", str(tmp_path / "d"), *more]) == 0
        out = capsys.readouterr().out
        assert out.startswith("a/two leads " if lower else "a/one leads ")
        assert ("our_asr" in out and "(less is better)" in out) is lower


@pytest.mark.parametrize("told", ["by its samples", "by its counts"])
@pytest.mark.parametrize(("lost", "certain"), [(0, True), (120, False)])
def test_a_lead_that_lost_answers_could_make_is_not_certain(tmp_path, capsys, lost, certain, told):
    """What the gate calls no verdict: with all lost ones wrong the leader would be behind."""
    second = [1.0] * 1102 + [0.0] * 217
    first = [1.0] * 1079 + [None] * lost + [0.0] * 120 if lost else [1.0] * 1310 + [0.0] * 9
    for model, scores in (("a/first", first), ("a/second", second)):
        known = [value for value in scores if value is not None]
        share = sum(known) / len(known)
        gone = {"counts": {"attempts": len(scores), "scored": len(known)}} if told == "by its counts" else {}
        error = math.sqrt(share * (1 - share) / (len(known) - 1))
        write_record(tmp_path / "r", model, scores, task="gsm8k", error=error, samples=told == "by its samples", **gone)
    assert board.main(["collect", "--results", str(tmp_path / "r"), "--output-dir", str(tmp_path / "d")]) == 0
    capsys.readouterr()
    assert board.main(["show", "--data", str(tmp_path / "d"), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["certain"] is certain, shown["conclusion"]
    assert ("std. error with lost answers" in shown["conclusion"]) is bool(lost)
    assert [one["widened"] for one in shown["rows"]] == [bool(lost), False]


def test_ranks_that_rest_on_other_shots_are_marked_and_columns_name_their_metric(tmp_path, capsys):
    """One of three models has 8-shot numbers; two metrics stand in the records of all."""
    for model, shots, right in (("a/one", 5, 600), ("a/two", 5, 590), ("a/three", 8, 595)):
        for metric, more in (("acc", 0), ("acc_norm", 100)):
            scores = [float(place < right + more) for place in range(1172)]
            write_record(tmp_path / "r", model, scores, task="arc_challenge", shots=shots, metric=metric)
    assert board.main(["collect", "--results", str(tmp_path / "r"), "--output-dir", str(tmp_path / "d")]) == 0
    capsys.readouterr()
    assert board.main(["show", "--data", str(tmp_path / "d")]) == 0
    out, err = capsys.readouterr()
    assert "cannot be told apart from it (95 %). Not measured alike: ARC-Challenge (5-shot, 8-shot)" in out
    assert "rank, not measured alike" in out and "ARC-Challenge (acc)" in out
    marked = [line.split()[2] for line in out.splitlines() if " * " in line]
    assert marked == ["a/three"] and "*: the rank rests on such a score" in err
    assert board.main(["show", "--data", str(tmp_path / "d"), "--benchmark", "arc_challenge"]) == 0
    assert "ARC-Challenge (acc), %" in capsys.readouterr().out
    assert board.main(["show", "--data", str(tmp_path / "d"), "--model", "a/one"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sorted(line.split()[4] for line in lines if "ARC-Challenge" in line) == ["acc", "acc_norm"]


def test_another_score_of_the_leader_is_said_where_it_leads(tmp_path, capsys):
    for shots, score in ((5, 0.75), (0, 0.5)):
        scores = [1.0] * round(1319 * score) + [0.0] * (1319 - round(1319 * score))
        write_record(tmp_path / "r", "a/one", scores, task="gsm8k", shots=shots)
    assert board.main(["collect", "--results", str(tmp_path / "r"), "--output-dir", str(tmp_path / "d")]) == 0
    for more in ((), ("--benchmark", "gsm8k")):
        capsys.readouterr()
        assert board.main(["show", "--data", str(tmp_path / "d"), "--json", *more]) == 0
        said = json.loads(capsys.readouterr().out)["conclusion"]
        one, other = ("75.0", "50.0") if "leads with 75.0" in said else ("50.0", "75.0")
        assert (
            f"not {other}" in said
            and f"leads with {one}" in said
            and f"Of several scores one is shown: a/one, GSM8K: {one}" in said
        )


# --- data on disk and show ---


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_made_up(tmp_path_factory.mktemp("board"), 600)


def test_parquet_and_jsonl_hold_the_same(data):
    engine, metadata = board.open_data(data)
    rows = board.query(engine, "SELECT * FROM scores")
    lines = [json.loads(line) for line in (data / "leaderboard.jsonl").read_text(encoding="utf-8").splitlines()]
    assert rows == lines
    assert list(rows[0]) == list(board.COLUMNS)
    assert metadata["counts"]["rows"] == len(rows) == 600
    assert metadata["counts"]["shown"] == sum(r["shown"] for r in rows)
    assert sum(entry["models"] for entry in metadata["benchmarks"]) == metadata["counts"]["shown"]


FOLDERS_LIKE_PATTERNS = ("board[1]", "board*", "board?", "b[!x]", "[a-z]", "model=evil", "-x", "b]", "b{a,b}")


@pytest.mark.parametrize("name", FOLDERS_LIKE_PATTERNS)
def test_a_folder_called_like_a_pattern_is_that_folder(tmp_path, monkeypatch, capsys, name):
    """Others that it would fit, if it were one, hold other models; and no folder is a column."""
    monkeypatch.chdir(tmp_path)
    for other in ("board1", "boards", "board", "by", "b", "a", "ba", "x"):
        write_made_up(tmp_path / other, 5)
    ours = [row("mine/model", "mmlu", 0.5)]
    board.write_data(tmp_path / name, ours, made_up_metadata(ours))
    assert {one["model"] for one in map(json.loads, (tmp_path / name / "leaderboard.jsonl").open())} == {"mine/model"}
    with board.open_data(tmp_path / name)[0] as engine:
        assert board.query(engine, "SELECT DISTINCT model FROM scores") == [{"model": "mine/model"}]
    assert {path.name for path in (tmp_path / name).iterdir()} == set(board.DATA_FILES)
    assert board.main(["show", f"--data={name}", "--json"]) == 0
    assert [line["model"] for line in json.loads(capsys.readouterr().out)["rows"]] == ["mine/model"]


def test_no_link_is_written_through(tmp_path):
    """A name that a stranger could lay before: what it leads to stays as it was, and a link in the place is refused."""
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "data").mkdir()
    for name in board.DATA_FILES:
        (tmp_path / "data" / name).unlink(missing_ok=True)
        (tmp_path / "data" / name).symlink_to(tmp_path / "mine")
        with pytest.raises(board.ScriptError, match=rf"{re.escape(name)}: not written.*a link"):
            write_made_up(tmp_path / "data", 5)
        (tmp_path / "data" / name).unlink()
    (tmp_path / "data" / f".leaderboard.parquet.{os.getpid()}.tmp").symlink_to(tmp_path / "mine")
    write_made_up(tmp_path / "data", 5)
    assert (tmp_path / "mine").read_text() == "mine"


def test_the_engine_reaches_no_file(data, tmp_path):
    import duckdb

    engine, _ = board.open_data(data)
    for statement in (
        f"SELECT * FROM '{data}/leaderboard.jsonl'",
        f"COPY scores TO '{tmp_path}/out.csv'",
        "SET enable_external_access = true",
    ):
        with pytest.raises(duckdb.Error):
            engine.execute(statement)


def test_a_place_without_a_board_is_advised_nothing_that_writes_into_it(tmp_path, capsys):
    folder = write_made_up(tmp_path / "board", 40)
    (results := tmp_path / "results").mkdir()
    (results / "a.json").write_text("{}")
    for place, told in (
        (results, f"run `collect --results {results} --output-dir {results}-board`"),
        (folder / "leaderboard.jsonl", f"is {folder} meant?"),
        (tmp_path / "nothing", f"run `collect --output-dir {tmp_path / 'nothing'}`"),
    ):
        assert board.main(["show", "--data", str(place)]) == 2
        assert told in capsys.readouterr().err


@pytest.mark.parametrize("damage", ["gone", "no metadata", "schema", "form", "parquet", "columns", "list"])
def test_damaged_data_is_one_line(tmp_path, capsys, damage):
    folder = write_made_up(tmp_path / "board", 40)
    if damage == "gone":
        folder = tmp_path / "nothing"
    elif damage == "no metadata":
        (folder / "metadata.json").write_text("{", encoding="utf-8")
    elif damage in ("schema", "list"):
        (folder / "metadata.json").write_text(
            '{"schema_version": "9"}' if damage == "schema" else "[]", encoding="utf-8"
        )
    elif damage == "form":
        (folder / "metadata.json").write_text('{"schema_version": "1", "benchmarks": [7]}', encoding="utf-8")
    elif damage == "parquet":
        (folder / "leaderboard.parquet").write_bytes(b"PAR1 no")
    else:
        import duckdb

        duckdb.sql(f"COPY (SELECT 1 AS model) TO '{folder}/leaderboard.parquet' (FORMAT parquet)")
    assert board.main(["show", "--data", str(folder)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1


def test_show_a_ranking(data, capsys):
    assert board.main(["show", "--data", str(data), "--benchmark", "MMLU-Pro", "--top", "5", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    values = [r["comparable"] for r in answer["rows"]]
    assert values == sorted(values, reverse=True)
    assert len(values) == 5
    assert answer["models"] > 5
    assert answer["rows"][0]["rank"]["low"] == 1
    assert "Holm" in answer["rank_method"]
    assert board.main(["show", "--data", str(data), "--benchmark", "mmlu_pro"]) == 0
    out, err = capsys.readouterr()
    assert "MMLU-Pro, %" in out and out.splitlines()[0] == answer["conclusion"]
    assert "Mogstad" in err


def test_show_only_one_kind_of_source(data, capsys):
    for kind in board.SOURCE_TYPES:
        board.main(["show", "--data", str(data), "--benchmark", "gsm8k", "--source", kind, "--top", "999", "--json"])
        rows = json.loads(capsys.readouterr().out)["rows"]
        assert {r["source_type"] for r in rows} <= {kind}
        assert len({r["model"] for r in rows}) == len(rows)


def test_show_an_overview(data, capsys):
    assert board.main(["show", "--data", str(data), "--top", "4", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert len(answer["rows"]) == 4
    engine, _ = board.open_data(data)
    means = [line["mean"] for line in answer["rows"]]
    assert means == sorted(means, reverse=True)
    assert answer["rows"][0]["rank"]["low"] in (1, None)
    for line in answer["rows"]:
        sql = "SELECT benchmark, comparable FROM scores WHERE shown AND model = ?"
        found = dict(engine.execute(sql, [line["model"]]).fetchall())
        assert line["scores"] == {key: value for key, value in found.items() if key in line["scores"]}
        assert len(line["scores"]) >= len(found) - 2  # of the first eight of ten benchmarks
        scores = [100 * line["scores"][key] for key in answer["primary"]]
        assert line["mean"] == pytest.approx(sum(scores) / len(scores))
        assert line["have"] == len(scores)
    assert board.main(["show", "--data", str(data), "--top", "2"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[1].split()[0].startswith("rank") and "  model  " in out.splitlines()[1]
    assert out.startswith(f"{answer['rows'][0]['model']} leads by") and "leads by" not in err


def test_show_lists_models_that_lack_a_benchmark_below(data, capsys):
    assert board.main(["show", "--data", str(data), "--primary", "gsm8k,hle,bbh", "--top", "999", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["primary"] == ["gsm8k", "hle", "bbh"]
    have = [line["have"] for line in answer["rows"]]
    assert have == sorted(have, reverse=True)
    assert set(have) == {0, 1, 2, 3}
    assert all((line["mean"] is None) == (line["have"] < 3) for line in answer["rows"])
    assert board.main(["show", "--data", str(data), "--primary", "gsm8k,hle,bbh", "--top", "999"]) == 0
    assert "2 of 3" in capsys.readouterr().out
    assert board.main(["show", "--data", str(data), "--primary", "gsm8l"]) == 2
    assert "gsm8k" in capsys.readouterr().err


def test_show_a_model(data, capsys):
    engine, _ = board.open_data(data)
    (model,) = engine.execute("SELECT model FROM scores WHERE NOT shown AND model NOT LIKE 'evil%' LIMIT 1").fetchone()
    assert board.main(["show", "--data", str(data), "--model", model.upper(), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert {r["model"] for r in rows} == {model}
    assert board.main(["show", "--data", str(data), "--model", model]) == 0
    assert model in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--benchmark", "mmlu_por"], 2, "did you mean mmlu_pro"),
        (["--benchmark", "MT-Bench"], 1, "no model has a comparable score on mt_bench"),
        (["--model", "nobody/nothing"], 1, "no scores of"),
    ],
)
def test_show_says_what_is_not_there(data, capsys, arguments, code, says):
    assert board.main(["show", "--data", str(data), *arguments]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert says in err


def test_show_asks_which_model(tmp_path, capsys):
    rows = [row("a/twin", "gsm8k", 0.5), row("b/twin", "gsm8k", 0.6)]
    broken = {"model": "c/broken", "where": "README.md", "reason": "model-index is text"}
    facts = {"unreadable": [broken], "collected": "2026-11-21T00:00:00Z", "asked": {}, "requests": {}}
    facts |= {"models_read": ["a/twin", "b/twin", "c/bare", "c/broken"]}
    board.write_data(tmp_path, rows, board.make_metadata(rows, **facts))
    assert board.main(["show", "--data", str(tmp_path), "--model", "twin"]) == 3
    assert "a/twin, b/twin" in capsys.readouterr().err
    for name, said in (("c/bare", "was read and has no scores"), ("broken", "could not be read: model-index is text")):
        assert board.main(["show", "--data", str(tmp_path), "--model", name]) == 1
        assert said in capsys.readouterr().err


def test_show_obeys_no_foreign_text(tmp_path, capsys):
    rows = [row("evil/[red]x[/red]\x1b]0;owned\x07", "gsm8k", 0.5, source_name="[link=https://evil]y[/link]")]
    facts = {"unreadable": [], "collected": "2026-11-21T00:00:00Z", "asked": {}, "models_read": [], "requests": {}}
    board.write_data(tmp_path, rows, board.make_metadata(rows, **facts))
    assert board.main(["show", "--data", str(tmp_path), "--benchmark", "gsm8k"]) == 0
    out, _ = capsys.readouterr()
    assert "\x1b" not in out
    assert "[red]x[/red]" in out


def test_through_uv(tmp_path):
    if shutil.which("uv") is None:
        pytest.skip("uv is not on the path")
    folder = write_made_up(tmp_path / "board", 50)
    command = ["uv", "run", board.__file__, "show", "--data", folder, "--benchmark", "gsm8k", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["benchmark"]["key"] == "gsm8k"


def test_a_card_of_the_generator_is_what_the_reader_expects():
    front = board.read_yaml(card(index_result("gsm8k", 61.5))["README.md"].split("---\n")[1])
    reading = board.ModelReading("lab/m")
    board.model_index_rows(reading, front["model-index"], PLACE, BENCHMARKS, "model-index")
    assert [(r["benchmark"], r["value"]) for r in reading.rows] == [("gsm8k", 61.5)]
    assert reading.unreadable == []


# --- what has changed between two collects ---


def two_collects(tmp_path: Path) -> list[str]:
    """Arguments for `diff`: a board and the same a week later."""
    sure = {"comparable_error": 0.001}
    before = [
        row("a/a", "gsm8k", 0.9, **sure), row("b/b", "gsm8k", 0.5, **sure), row("gone/gone", "gsm8k", 0.4, **sure),
        row("a/a", "bbh", 0.5, **sure), row("b/b", "bbh", 0.6, **sure), row("b/b", "hle", 0.1, **sure),
    ]  # fmt: skip
    now = [
        row("a/a", "gsm8k", 0.9, **sure) | {"source_type": "verified"}, row("b/b", "gsm8k", 0.95, **sure),
        row("a/a", "bbh", 0.5, **sure), row("b/b", "bbh", 0.5, **sure), row("a/a", "hle", 0.1, **sure),
        row("new/new", "gsm8k", 0.2, **sure), row("new/new", "bbh", 0.2, **sure),
    ]  # fmt: skip
    folders = []
    for name, rows in (("before", before), ("now", now)):
        board.write_data(tmp_path / name, rows, made_up_metadata(rows))
        folders.append(str(tmp_path / name))
    return folders


def test_what_has_changed(tmp_path, capsys):
    folders = two_collects(tmp_path)
    assert board.main(["diff", *folders, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["new_models"] == [{"model": "new/new", "numbers": 2}]
    assert answer["gone_models"] == [{"model": "gone/gone", "numbers": 1}]

    def places(kind: str) -> list[tuple]:
        return [(item["model"], item["benchmark"]) for item in answer[kind]]

    assert places("changed") == [("b/b", "bbh"), ("b/b", "gsm8k")], "the same value from another source is no change"
    assert places("new") == [("a/a", "hle")]
    assert places("gone") == [("b/b", "hle")]
    (changed,) = [item for item in answer["changed"] if item["benchmark"] == "gsm8k"]
    assert (changed["before"]["comparable"], changed["now"]["comparable"]) == (0.5, 0.95)
    assert [(item["model"], item["benchmark"], item["instead"]) for item in answer["leaders"]] == [
        ("b/b", "gsm8k", "a/a")
    ]
    lost = [(item["model"], item["benchmark"], item["instead"]) for item in answer["leaders_lost"]]
    assert lost == [("b/b", "bbh", None), ("a/a", "gsm8k", "b/b")], "bbh is level now; hle had one model"
    assert board.main(["diff", *folders]) == 0
    out, err = capsys.readouterr()
    assert "leads for certain (of those measured), before a/a" in out
    assert "1 × new model" in err
    assert board.main(["diff", folders[0], folders[0]]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert "nothing has changed" in err
    assert board.main(["diff", folders[0], str(tmp_path / "nowhere")]) == 2


def test_what_was_measured_otherwise_is_marked_in_its_row_and_the_shots_stand_with_the_model(tmp_path, capsys):
    for number, shots in enumerate((5, 5, 0)):
        write_record(tmp_path / "r", f"a/m{number}", [1.0, 0.0] * 650 + [0.0] * number, task="gsm8k", shots=shots)
    assert board.main(["collect", "--results", str(tmp_path / "r"), "--output-dir", str(tmp_path / "d")]) == 0
    capsys.readouterr()
    assert board.main(["show", "--data", str(tmp_path / "d")]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if "a/m" in line and "GSM8K" not in line]
    assert [("(0-shot)" in line) for line in lines] == [("a/m2" in line) for line in lines] and len(lines) == 3
    assert board.main(["show", "--data", str(tmp_path / "d"), "--model", "a/m1"]) == 0
    assert "5-shot" in capsys.readouterr().out


def test_names_that_are_one_repository_on_the_hub_are_said(tmp_path, capsys):
    other = "acme/lumen-7\u0412"  # a Cyrillic letter
    for number, model in enumerate(("Acme/Lumen", "acme/lumen", "acme/other", "acme/lumen-7b", other)):
        write_record(tmp_path / "r", model, [1.0, 0.0] * 650 + [0.0] * number, task="gsm8k", shots=5)
    assert board.main(["collect", "--results", str(tmp_path / "r"), "--output-dir", str(tmp_path / "d")]) == 0
    said = sorted(line for line in capsys.readouterr().err.splitlines() if "letters that look alike" in line)
    assert [line.partition(": ")[0] for line in said] == ["Acme/Lumen, acme/lumen", f"acme/lumen-7b, {other}"]


def test_a_part_of_a_name_is_met_with_the_names_that_have_it():
    metadata = {"benchmarks": [{"key": f"arena ({way})", "name": f"arena ({way})"} for way in ("bradley_terry", "win")]}
    with pytest.raises(board.ScriptError, match=r"did you mean 'arena \(bradley_terry\)', 'arena \(win\)'"):
        board.covered_key("Arena", metadata)
    with pytest.raises(board.ScriptError, match="`show` lists all"):
        board.covered_key("!", metadata)


def test_a_folder_without_records_is_said_with_the_next_step(tmp_path, capsys):
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "other.json").write_text('{"a": 1}')
    assert board.main(["collect", "--results", str(tmp_path / "r"), "--output-dir", str(tmp_path / "d")]) == 1
    err = capsys.readouterr().err
    assert f"no record was found in {tmp_path / 'r'}: name the --output-dir" in err and "convert_results.py" in err
