"""One result, one place: whoever wrote it before and however, it is neither doubled nor lost."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path

import evaluation_manager as manager
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from thoroughness import examples

MAPPING = manager.read_mapping()
PLACING = manager.Placing(manager.shipped_list(), MAPPING)
REPO = "acme/Foo-7B"


@dataclass(frozen=True)
class Fact:
    """A result as it is: which benchmark, its share or rate, how it was measured."""

    key: str
    metric: str  # as our records name it
    shots: int | None
    value: float  # a proportion

    @property
    def known(self) -> dict:
        return MAPPING[self.key]["model_index"]


FACTS = [
    ("mmlu_pro", "accuracy", 5), ("gsm8k", "exact_match", 8), ("arc_challenge", "acc_norm", 25),
    ("hellaswag", "acc_norm", 10), ("humaneval", "pass@1", 0), ("ifeval", "prompt_level_strict_acc", 0),
    ("sst2", "accuracy", None), ("librispeech_clean", "wer", None), ("squad", "f1", 0), ("gpqa_diamond", "accuracy", 0),
]  # fmt: skip


def written(fact: Fact, rng: random.Random, percent: bool | None = None) -> float | str:
    """The value as somebody writes it: in percent or not, rounded, sometimes as a text."""
    percent = rng.random() < 0.6 if percent is None else percent
    value = round(fact.value * 100, rng.choice([1, 2, 4])) if percent else round(fact.value, rng.choice([3, 4, 6, 12]))
    return f"{value} %" if percent and rng.random() < 0.1 else str(value) if rng.random() < 0.1 else value


def some(rng: random.Random, **fields: object) -> dict:
    """A mapping without some of its optional fields, in any order."""
    kept = [(name, value) for name, value in fields.items() if value is not None and rng.random() < 0.7]
    rng.shuffle(kept)
    return dict(kept)


def shots_in(fact: Fact, rng: random.Random, form: str = " ({}-Shot)") -> str:
    return form.format(fact.shots) if fact.shots is not None and rng.random() < 0.7 else ""


def old_leaderboard(fact: Fact, rng: random.Random) -> dict:
    """The Open LLM Leaderboard's entries: short data set names, shots in the name and in the data set's arguments."""
    names = {"gsm8k": "GSM8k", "arc_challenge": "AI2 Reasoning Challenge", "hellaswag": "HellaSwag"}
    types = {"gsm8k": "gsm8k", "arc_challenge": "ai2_arc", "hellaswag": "hellaswag"}
    args = {"num_few_shot": fact.shots} if fact.shots is not None and rng.random() < 0.7 else None
    kind = {"accuracy": "acc", "exact_match": rng.choice(["acc", "exact_match"])}.get(fact.metric, fact.metric)
    dataset = {
        "name": names.get(fact.key, fact.known["name"]) + shots_in(fact, rng),
        "type": types.get(fact.key, fact.known["type"]),
        "config": fact.known["config"],
        **some(rng, split=fact.known["split"]),
    } | ({"args": args} if args else {})
    url = "https://huggingface.co/spaces/HuggingFaceH4/old_leaderboard"
    metric = {"type": kind, "value": written(fact, rng, True)} | some(rng, name="a name")
    return {
        "task": {"type": "text-generation", "name": "Text Generation"},
        "dataset": {name: value for name, value in dataset.items() if value is not None},
        "metrics": [metric],
        "source": {"url": url, "name": "Open LLM Leaderboard"},
    }


def trainer(fact: Fact, rng: random.Random) -> dict:
    """Trainers: the data set's short id as its name, the configuration as arguments, other metrics beside."""
    kind = fact.known["type"].rpartition("/")[2]
    config = fact.known["config"]
    loss = {"type": "loss", "name": "Loss", "value": 0.31}
    metric = {"name": fact.metric.capitalize(), "type": fact.metric, "value": written(fact, rng, False)}
    metrics = [metric, loss]
    rng.shuffle(metrics)
    dataset = {"name": kind, "type": kind, "config": config, "split": fact.known["split"], "args": config}
    if fact.key == "sst2":
        dataset |= {"name": "glue", "type": "glue"}
    return {
        "task": {"name": "Text Classification", "type": "text-classification"},
        "dataset": {name: value for name, value in dataset.items() if value is not None},
        "metrics": metrics,
    }


def autotrain(fact: Fact, rng: random.Random) -> dict:
    """The Hub's evaluation service: verified metrics with a token, the data set's id."""
    verified = {"verified": True, "verifyToken": "eyJhbGciOiJFZERTQSJ9.x"} if rng.random() < 0.5 else {}
    return {
        "task": {"type": "text-classification", "name": "Text Classification"},
        "dataset": {
            "name": fact.known["type"],
            "type": fact.known["type"],
            **config_of(fact),
            "split": fact.known["split"],
        },
        "metrics": [{"type": fact.metric, "value": written(fact, rng, False), "name": fact.metric.title()} | verified],
    }


def sentence_transformers(fact: Fact, rng: random.Random) -> dict:
    """sentence-transformers: many metrics in one result, names of its own."""
    more = [{"type": f"cosine_{name}", "value": 0.5, "name": f"Cosine {name}"} for name in ("recall@1", "map@100")]
    metrics = [*more, {"type": fact.metric, "value": written(fact, rng, False), "name": "What counts"}]
    rng.shuffle(metrics)
    dataset = {"name": fact.known["name"], "type": fact.known["type"], **config_of(fact)}
    return {"task": {"type": "information-retrieval"}, "dataset": dataset, "metrics": metrics}


def hand(fact: Fact, rng: random.Random) -> dict:
    """Somebody's own: only what must be there, a display name of any kind."""
    metric = {"accuracy": rng.choice(["acc", "accuracy", "exact_match"]), "pass@1": rng.choice(["pass@1", "pass_at_1"])}
    name = fact.known["name"] + shots_in(fact, rng, " ({}-shot)")
    entry = {"type": metric.get(fact.metric, fact.metric), "value": written(fact, rng)} | some(rng, name="Accuracy")
    task = {"type": rng.choice(["text-generation", "question-answering"])}
    return {"dataset": {"type": fact.known["type"], "name": name} | config_of(fact), "metrics": [entry], "task": task}


def ours(fact: Fact, rng: random.Random) -> dict:
    """Earlier versions of this program."""
    settings_text = ", ".join([fact.metric, *([f"{fact.shots}-shot"] if fact.shots is not None else [])])
    metric = {"type": fact.metric, "name": f"{fact.known['name']} ({settings_text})", "value": written(fact, rng)}
    metric |= {"args": {"num_few_shot": fact.shots}} if fact.shots is not None else {}
    dataset = {"name": fact.known["name"], "type": fact.known["type"], **config_of(fact), "split": fact.known["split"]}
    source = {"name": "Model card", "url": f"https://huggingface.co/{REPO}"}
    return {"task": {"type": "text-generation"}, "dataset": dataset, "metrics": [metric], "source": source}


def hub_example(fact: Fact, rng: random.Random) -> dict:
    """The Hub's own documentation: every field."""
    dataset = {
        "type": fact.known["type"],
        "name": f"{fact.known['name']}",
        **config_of(fact),
        "split": fact.known["split"],
    }
    dataset |= some(rng, revision="5503434ddd753f426f4b38109466949a1217c2bb", args={"param1": "value1"})
    metric = {"type": fact.metric, "value": written(fact, rng), "name": f"Test {fact.metric.upper()}"}
    return {
        "task": {"type": "automatic-speech-recognition", "name": "Speech Recognition"},
        "dataset": dataset,
        "metrics": [metric | some(rng, args={"max_order": 4})],
        "source": {"name": "Somebody", "url": "https://example.org/results"},
    }


def mteb(fact: Fact, rng: random.Random) -> dict:
    """MTEB: its prefix before the name, a revision, metrics without a name."""
    dataset = {"type": fact.known["type"], "name": f"MTEB {fact.known['name']}", **config_of(fact)}
    dataset |= {"split": fact.known["split"], "revision": "0fd18e25b25c072e09e0d92ab615fda904d66300"}
    metrics = [{"type": fact.metric, "value": written(fact, rng, True)}, {"type": "ap", "value": 12.5}]
    return {"task": {"type": "Classification"}, "dataset": dataset, "metrics": metrics}


def config_of(fact: Fact) -> dict:
    return {"config": fact.known["config"]} if fact.known["config"] else {}


WRITERS = (old_leaderboard, trainer, autotrain, sentence_transformers, hand, ours, hub_example, mteb)
ELSE = {
    "task": {"type": "text-generation"},
    "dataset": {"name": "PIQA", "type": "ybisk/piqa", "split": "validation"},
    "metrics": [{"type": "accuracy", "name": "PIQA", "value": 77.7}],
}


def card_of(results: list[dict]) -> bytes:
    front = yaml.safe_dump({"license": "mit", "model-index": [{"name": "Foo-7B", "results": results}]}, sort_keys=False)
    return f"---\n{front}---\n# Foo-7B\n".encode()


def entry_of(fact: Fact, value: float | None = None) -> manager.Entry:
    """The same result, measured by us."""
    return manager.Entry(
        benchmark=fact.known["name"], value=fact.value if value is None else value, origin="data/x.json", key=fact.key,
        unit="proportion", metric=fact.metric, shots=None if fact.shots is None else f"{fact.shots}-shot",
        samples=1000, standard_error=0.01,
    )  # fmt: skip


def merged(card: bytes, entry: manager.Entry, replace: bool = False) -> manager.Change:
    plan = manager.make_plan(
        REPO, [entry], MAPPING, placing=None, formats="model-index", task_type="text-generation", replace=replace
    )
    return manager.merge(plan, manager.RepoState(None, card))


facts = st.builds(
    lambda which, value: Fact(*which, value),
    st.sampled_from(FACTS),
    st.integers(30, 950).map(lambda n: n / 1000) | st.floats(0.05, 0.95).map(lambda x: round(x, 12)),
)


@settings(max_examples=examples(1200), deadline=None)
@given(facts, st.sampled_from(WRITERS), st.integers(0, 2**32))
def test_no_form_of_any_writer_doubles_or_loses_a_result(fact: Fact, writer, seed: int) -> None:
    rng = random.Random(seed)
    result = writer(fact, rng)
    rest = [ELSE] if rng.random() < 0.7 else []
    card = card_of([*rest, result] if rng.random() < 0.5 else [result, *rest])
    same = merged(card, entry_of(fact))
    assert not same.files and not same.conflicts and len(same.same) == 1, (result, same)
    other = (fact.value + 0.04) if fact.value < 0.5 else fact.value - 0.04
    change = merged(card, entry_of(fact, other))
    assert not change.files and len(change.conflicts) == 1, (result, change)
    verified = any(metric.get("verified") for metric in result["metrics"])
    replaced = merged(card, entry_of(fact, other), replace=True)
    assert bool(replaced.files) != verified, (result, replaced)
    if replaced.files:
        check_replaced(card, replaced.files["README.md"], entry_of(fact, other), fact)


def check_replaced(card: bytes, edited: bytes, entry: manager.Entry, fact: Fact) -> None:
    """Exactly one number is another one, in the form of the old, and the same command again changes nothing.

    A result with a source goes with it, as a whole: our number is none of theirs.
    """
    results = [manager.read_metadata(text.decode(), "x").results for text in (card, edited)]
    ((there, here),) = [pair for pair in zip(*results, strict=True) if pair[0] != pair[1]]
    if there.get("source"):
        was, now = (f"value: {result['metrics'][0]['value']}" for result in (there, here))
        assert "source" not in here and len(there["metrics"]) == 1
    else:
        old, new = card.decode().splitlines(), edited.decode().splitlines()
        ((was, now),) = [pair for pair in zip(old, new, strict=True) if pair[0] != pair[1]]
        assert was.partition("value:")[0] == now.partition("value:")[0]
    before, after = (float(line.partition("value:")[2].strip(" '%")) for line in (was, now))
    assert (before > 1) == (after > 1) or fact.metric == "wer"
    assert not merged(edited, entry).files and not merged(edited, entry).conflicts


@settings(max_examples=examples(300), deadline=None)
@given(facts, facts, st.sampled_from(WRITERS), st.integers(0, 2**32))
def test_another_result_stays_another_one(fact: Fact, other: Fact, writer, seed: int) -> None:
    if fact.key == other.key:
        return
    card = card_of([writer(fact, random.Random(seed))])
    change = merged(card, entry_of(other))
    assert len(change.added) == 1 and not change.conflicts
    results = manager.read_metadata(change.files["README.md"].decode(), "x").results
    assert len(results) == 2 and results[0] == manager.read_metadata(card.decode(), "x").results[0]
    assert not merged(change.files["README.md"], entry_of(other)).files


# --- The shapes that were seen to go wrong ---


def index(dataset: dict, metric: dict, **more: object) -> bytes:
    return card_of([{"task": {"type": "text-generation"}, "dataset": dataset, "metrics": [metric], **more}])


FOREIGN = index(
    {"name": "MMLU-Pro", "type": "TIGER-Lab/MMLU-Pro", "split": "test"},
    {"type": "accuracy", "name": "Accuracy", "value": 45.3},
)


def test_a_display_name_hides_no_conflict() -> None:
    entry = entry_of(Fact("mmlu_pro", "accuracy", None, 0.449333333333))
    (conflict,) = merged(FOREIGN, entry).conflicts
    assert (conflict.there, conflict.samples, conflict.standard_error) == (45.3, 1000, 0.01)
    change = merged(FOREIGN, entry, replace=True)
    assert change.files["README.md"] == FOREIGN.replace(b"45.3", b"44.9")
    assert not merged(change.files["README.md"], entry).files


@pytest.mark.parametrize("there", [60.05, 0.6, 0.6005, 60, "60.05", "60.05 %", 60.1])
def test_an_equal_value_is_not_doubled(there: object) -> None:
    card = index({"name": "MMLU-Pro", "type": "TIGER-Lab/MMLU-Pro"}, {"type": "acc", "name": "x", "value": there})
    assert merged(card, entry_of(Fact("mmlu_pro", "accuracy", None, 0.6005))).same


@pytest.mark.parametrize("there", [60.6, 0.61, 59, 1, 0, 6.005, 0.006005])
def test_a_value_that_only_looks_alike_is_a_conflict(there: float) -> None:
    card = index({"name": "MMLU-Pro", "type": "TIGER-Lab/MMLU-Pro"}, {"type": "acc", "name": "x", "value": there})
    assert merged(card, entry_of(Fact("mmlu_pro", "accuracy", None, 0.6005))).conflicts


def test_other_shots_splits_and_parts_are_other_results() -> None:
    card = index(
        {"name": "MMLU", "type": "cais/mmlu", "config": "anatomy", "split": "test"},
        {"type": "acc", "name": "MMLU (5-shot)", "value": 50.5},
    )
    assert merged(card, entry_of(Fact("mmlu", "accuracy", 5, 0.7))).added  # a part is not the whole
    whole = card.replace(b"config: anatomy", b"config: all")
    assert merged(whole, entry_of(Fact("mmlu", "accuracy", 5, 0.7))).conflicts
    assert merged(whole, entry_of(Fact("mmlu", "accuracy", 0, 0.7))).added
    assert merged(whole.replace(b"split: test", b"split: dev"), entry_of(Fact("mmlu", "accuracy", 5, 0.7))).conflicts


def test_rescaled_scores_of_the_second_leaderboard_are_other_numbers() -> None:
    source = {
        "name": "Open LLM Leaderboard",
        "url": "https://huggingface.co/spaces/open-llm-leaderboard/open_llm_leaderboard",
    }
    dataset = {"name": "MMLU-PRO (5-shot)", "type": "TIGER-Lab/MMLU-Pro", "config": "main", "split": "test"}
    card = index(dataset, {"type": "acc", "value": 31.2, "name": "accuracy"}, source=source)
    assert merged(card, entry_of(Fact("mmlu_pro", "accuracy", 5, 0.38))).added


def test_nothing_to_replace_is_said() -> None:
    change = merged(card_of([ELSE]), entry_of(Fact("gsm8k", "exact_match", 5, 0.5)), replace=True)
    assert change.added and "nothing to replace" in change.notes[0]


def test_what_a_record_does_not_say_comes_from_the_vocabulary_and_is_said() -> None:
    entry = manager.Entry(
        "librispeech_clean", 0.03123456789, "x", "librispeech_clean", "proportion", "wer",
        dataset=(("type", "librispeech"), ("name", "librispeech")),
    )  # fmt: skip
    plan = manager.make_plan(REPO, [entry], MAPPING, placing=None, formats="model-index", task_type="x")
    (result,) = plan.model_index
    assert result["dataset"] == {
        "name": "LibriSpeech (clean)", "type": "openslr/librispeech_asr", "config": "clean", "split": "test",
    }  # fmt: skip
    assert result["metrics"][0]["value"] == 0.0312 and "source" not in result
    change = manager.merge(plan, manager.RepoState(None, b""))
    assert "openslr/librispeech_asr, config clean, split test" in manager.all_notes(plan, change)[0]


def test_the_other_places_that_contradict_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    card = tmp_path / "README.md"
    table = "# Foo-7B\n\n## Evaluation\n\n| Benchmark | Foo-7B |\n|---|---|\n| MMLU-Pro | 45.3 |\n"
    card.write_text(table, encoding="utf-8")
    api = tmp_path / "aa.json"
    row = {"name": "Foo", "slug": "foo", "model_creator": {"name": "Acme", "slug": "acme"}}
    api.write_text(json.dumps({"data": [row | {"evaluations": {"mmlu_pro": 0.449}}]}), encoding="utf-8")
    argv = ["import-aa", "--input-json", str(api), "--creator-slug", "acme", "--model-name", "foo", "--repo-id", REPO]
    says = "the table in the README says 45.3 of MMLU-Pro (table 1, row 0, column 1), and not 0.449"
    assert manager.main([*argv, "--card", str(card), "--apply"]) == 3
    assert f"{says}; --beside mmlu_pro writes it" in capsys.readouterr().err and card.read_text("utf-8") == table
    card.write_text(f"{table}\nMore\n\n| Benchmark | Foo | Bar-7B |\n|---|---|---|\n| GSM8K | 81.2 | 30.1 |\n", "utf-8")
    assert manager.main([*argv, "--card", str(card), "--apply"]) == 3  # whatever a table that is unsure leaves open
    assert says in capsys.readouterr().err
    card.write_text(table, encoding="utf-8")
    for answer in (["--beside", "mmlu_pro"], ["--beside", "all"], ["--replace"]):
        assert manager.main([*argv, "--card", str(card), *answer]) == 0
        assert f"note: {says}\n" in capsys.readouterr().out
    card.write_text(table.replace("45.3", "44.9"), encoding="utf-8")
    assert manager.main([*argv, "--card", str(card)]) == 0


def test_a_format_that_is_not_written_is_asked_about_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A value of .eval_results and another one of the same result in model-index are two claims of one thing."""
    card = tmp_path / "README.md"
    card.write_text("# Foo-7B\n", encoding="utf-8")
    api = tmp_path / "aa.json"
    model = {"name": "Foo", "slug": "foo", "model_creator": {"name": "Acme", "slug": "acme"}}

    def imported(value: float, *more: str) -> int:
        api.write_text(json.dumps({"data": [model | {"evaluations": {"mmlu_pro": value}}]}), encoding="utf-8")
        argv = ["import-aa", "--input-json", str(api), "--creator-slug", "acme", "--model-name", "foo"]
        return manager.main([*argv, "--repo-id", REPO, "--card", str(card), "--apply", *more])

    assert imported(0.449, "--format", "model-index") == 0
    before = card.read_text("utf-8")
    assert imported(0.453, "--format", "eval-results") == 3 and not (tmp_path / ".eval_results").exists()
    assert "says 0.449 of MMLU-Pro, and not 0.453; --beside mmlu_pro" in capsys.readouterr().err
    assert imported(0.453, "--format", "eval-results", "--beside", "mmlu_pro") == 0
    assert card.read_text("utf-8") == before and (tmp_path / ".eval_results" / "mmlu_pro.yaml").exists()
