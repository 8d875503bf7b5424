"""The vocabulary of benchmarks, metric_mapping.json, is complete, well formed and free of ambiguous names."""

import json
import re
from collections import defaultdict
from pathlib import Path

import pytest

from parts.vocabulary import normalize_name

PATH = Path(__file__).resolve().parent.parent / "metric_mapping.json"
MAPPING = json.loads(PATH.read_text(encoding="utf-8"))

FIELDS = [
    *("kind", "name", "aliases", "category", "group", "metric", "unit", "range", "lower_is_better", "chance"),
    *("hub", "model_index", "lighteval", "inspect", "lm_eval", "helm", "artificial_analysis"),
]
SOURCES = ("lighteval", "inspect", "lm_eval", "helm", "artificial_analysis")
MODEL_INDEX_FIELDS = ["type", "name", "config", "split", "task_type", "metric_type"]
UNITS = {"proportion", "percent", "points"}
METRICS = """
    accuracy anls attack_success_rate bleu chrf elo exact_match f1 index medal_rate ndcg_at_10 pass_at_1 pass_rate
    prompt_level_loose_acc prompt_level_strict_acc rating refusal_rate relaxed_accuracy resolved_rate rouge_l score
    success_rate toxicity wer win_rate word_perplexity
"""
CATEGORIES = {
    "Core Reasoning Tasks": ["math_reasoning", "logical_reasoning", "common_sense"],
    "Language Understanding": [
        *("reading_comprehension", "question_answering", "text_classification", "sentiment_analysis")
    ],
    "Generation Tasks": ["code_generation", "creative_writing", "dialogue_generation", "summarization"],
    "Specialized Capabilities": ["translation", "knowledge_retrieval", "instruction_following", "safety_evaluation"],
}
REQUIRED = """
    arc_challenge hellaswag mmlu truthfulqa winogrande gsm8k
    ifeval bbh math_lvl_5 gpqa musr mmlu_pro
    aime_2024 aime_2025 aime_2026 livecodebench mmlu_redux arc_easy gpqa_diamond hle simpleqa math math_500
    humaneval humaneval_plus mbpp mbpp_plus swe_bench swe_bench_verified swe_bench_multilingual
    terminal_bench terminal_bench_2 drop squad squad_v2 triviaqa natural_questions boolq piqa siqa c_eval cmmlu
    mmmu mathvista docvqa mt_bench alpaca_eval_2 arena_hard agieval factscore toxigen bbq winobias
    wmt14 flores xsum cnn_dailymail librispeech mteb beir ragas
"""


def owners(names_of) -> dict[str, set[str]]:
    """Normalized name -> the keys of the entries that claim it."""
    found = defaultdict(set)
    for key, entry in MAPPING.items():
        for name in names_of(key, entry):
            found[normalize_name(name)].add(key)
    return found


def card_names(key: str, entry: dict) -> list[str]:
    return [key, entry["name"], *entry["aliases"]]


# A source's own name for one benchmark that everybody else gives to another: readers look in the source's field first.
SOURCE_FIRST = {("artificial_analysis", "gpqa"), ("inspect", "swe_bench"), ("inspect", "squad")}


def source_names(source: str):
    return lambda key, entry: [entry[source].removeprefix("inspect_evals/")] if entry[source] else []


def all_names(key: str, entry: dict) -> list[str]:
    tasks = {(source, name) for source in SOURCES for name in source_names(source)(key, entry)}
    return card_names(key, entry) + [name for _, name in sorted(tasks - SOURCE_FIRST)]


def find(name: str, names_of=card_names) -> set[str]:
    return owners(names_of).get(normalize_name(name), set())


def test_file_is_formatted_and_has_no_repeated_key():
    text = PATH.read_text(encoding="utf-8")
    pairs = json.loads(text, object_pairs_hook=lambda pairs: pairs)
    assert len(pairs) == len(MAPPING)
    assert text == json.dumps(MAPPING, indent=2, ensure_ascii=False) + "\n"


@pytest.mark.parametrize(("key", "entry"), MAPPING.items(), ids=list(MAPPING))
def test_entry_shape(key, entry):
    assert re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)*", key)
    optional = [name for name in ("parts", "items", "about", "copies") if name in entry]
    assert list(entry) == [*FIELDS, *optional]
    for rule in entry.get("parts", ()):
        assert list(rule) == ["group", "prefix", "suffix", "weights", "names"] and rule["weights"] in ("size", "equal")
        assert len(set(rule["names"].split())) == len(rule["names"].split()) > 1
    assert entry["kind"] in {"benchmark", "category"}
    assert entry["name"] and isinstance(entry["name"], str)
    assert isinstance(entry["aliases"], list) and all(isinstance(alias, str) for alias in entry["aliases"])
    assert entry["metric"] in METRICS.split()
    assert entry["unit"] in UNITS
    assert isinstance(entry["lower_is_better"], bool)

    model_index = entry["model_index"]
    assert list(model_index) == MODEL_INDEX_FIELDS
    for field in ("type", "name", "task_type", "metric_type"):
        assert model_index[field] and isinstance(model_index[field], str)
    for value in (model_index["config"], model_index["split"], *(entry[source] for source in SOURCES)):
        assert value is None or (isinstance(value, str) and value == value.strip() != "")
    assert entry["inspect"] is None or entry["inspect"].startswith("inspect_evals/")


@pytest.mark.parametrize(("key", "entry"), MAPPING.items(), ids=list(MAPPING))
def test_range_and_chance(key, entry):
    low, high = entry["range"]
    assert low is None or high is None or low < high
    if entry["unit"] == "proportion":
        assert low == 0 and (high == 1 or entry["metric"] == "wer")  # more words can be wrong than were said
    if entry["unit"] == "percent":
        assert [low, high] == [0, 100]
    if entry["chance"] is not None:
        assert low <= entry["chance"] <= high
        assert entry["chance"] > 0, "no chance of guessing is null"


@pytest.mark.parametrize(("key", "entry"), MAPPING.items(), ids=list(MAPPING))
def test_hub_ids(key, entry):
    hub_id = r"[\w.-]+/[\w.-]+"
    if entry["hub"] is not None:
        assert list(entry["hub"]) == ["dataset_id", "task_id"]
        assert re.fullmatch(hub_id, entry["hub"]["dataset_id"], re.ASCII)
        assert entry["hub"]["task_id"]
    for copy in entry.get("copies", "").split():
        assert re.fullmatch(r"[\w.-]+(/[\w.-]+)?", copy, re.ASCII)
    dataset = entry["model_index"]["type"]
    assert dataset == key or re.fullmatch(hub_id, dataset, re.ASCII)


def test_hub_benchmarks_are_claimed_once():
    claimed = [tuple(entry["hub"].values()) for entry in MAPPING.values() if entry["hub"]]
    assert len(claimed) == len(set(claimed))


def test_the_fifteen_categories_and_their_groups():
    found = defaultdict(list)
    for key, entry in MAPPING.items():
        if entry["kind"] == "category":
            assert entry["category"] == key
            found[entry["group"]].append(key)
        else:
            assert entry["group"] is None
    assert found == CATEGORIES


def test_every_category_has_a_benchmark_and_every_benchmark_a_known_category():
    categories = {key for keys in CATEGORIES.values() for key in keys}
    used = {entry["category"] for entry in MAPPING.values() if entry["kind"] == "benchmark"}
    assert used - {None} == categories


def test_benchmarks_present():
    benchmarks = {key for key, entry in MAPPING.items() if entry["kind"] == "benchmark"}
    assert len(benchmarks) >= 60
    assert set(REQUIRED.split()) <= benchmarks


@pytest.mark.parametrize("names_of", [card_names, all_names, *map(source_names, SOURCES)])
def test_a_name_means_one_entry(names_of):
    assert {name: keys for name, keys in owners(names_of).items() if len(keys) > 1 or not name} == {}


def test_aliases_say_something_new():
    for key, entry in MAPPING.items():
        names = [normalize_name(alias) for alias in entry["aliases"]]
        assert len(names) == len(set(names)), key
        assert not {normalize_name(key), normalize_name(entry["name"])} & set(names), key


def test_what_a_sign_leaves_of_a_name_is_no_name():
    assert find("bench") == set()


def test_lower_is_better_only_for_errors():
    lower = {entry["metric"] for entry in MAPPING.values() if entry["lower_is_better"]}
    assert lower == {"wer", "toxicity", "attack_success_rate", "word_perplexity"}


@pytest.mark.parametrize(
    ("spelling", "key"),
    [
        *[("MMLU-Redux", "mmlu_redux"), ("MMLU-Redux 2.0", "mmlu_redux_2"), ("mmlu-pro", "mmlu_pro")],
        *[("HumanEval+", "humaneval_plus"), ("IF-Eval", "ifeval"), ("GSM-8K", "gsm8k"), ("AIME25", "aime_2025")],
        *[("ARC-C", "arc_challenge"), ("ARC_e", "arc_easy"), ("Obqa", "openbookqa"), ("C-Eval(Val)", "c_eval")],
        *[("GPQA-Diamond", "gpqa_diamond"), ("AlpacaEval2.0", "alpaca_eval_2"), ("ArenaHard", "arena_hard")],
        *[("SWE Verified", "swe_bench_verified"), ("τ²-Bench-Telecom", "tau2_bench_telecom"), ("BBH", "bbh")],
        *[("HLE (w/o tools)", "hle"), ("MMMU (val)", "mmmu"), ("MATH Lvl 5", "math_lvl_5"), ("HLE", "hle")],
        ("∞Bench", "infinitebench"),
    ],
)
def test_spellings_of_real_cards(spelling, key):
    assert find(spelling) == {key}


@pytest.mark.parametrize("spelling", ["AIME", "ARC", "WMT", "Average", "HLE (w/ tools)", "GAIA (text only)"])
def test_no_guess_about_ambiguous_labels(spelling):
    assert find(spelling) == set()


@pytest.mark.parametrize(
    ("task", "key"),
    [
        *[("arc:challenge", "arc_challenge"), ("gpqa:diamond", "gpqa_diamond"), ("aime24", "aime_2024")],
        *[("mmlu_0_shot", "mmlu"), ("mmlu_5_shot", "mmlu"), ("squadv2", "squad_v2"), ("leaderboard_bbh", "bbh")],
        *[("aime_25", "aime_2025"), ("lcr", "aa_lcr"), ("tau2", "tau2_bench_telecom"), ("gsm", "gsm8k")],
    ],
)
def test_task_names_of_sources(task, key):
    assert find(task, all_names) == {key}


def test_the_page_of_benchmarks_is_the_one_that_the_mapping_gives():
    import benchmarks_page

    mapping = json.loads(benchmarks_page.MAPPING.read_text(encoding="utf-8"))
    assert benchmarks_page.PAGE.read_text(encoding="utf-8") == benchmarks_page.page(mapping), benchmarks_page.__doc__
    told = {key for _, keys in benchmarks_page.SECTIONS for key in keys.split()}
    assert told == {key for key, entry in mapping.items() if entry.get("about")}
    assert all(isinstance(entry.get("items", 1), int) and entry.get("items", 1) > 0 for entry in mapping.values())
