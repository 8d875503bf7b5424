"""Whose score: files of harnesses that name a model, its adapter, revision, subfolder, file or quantization in their
own ways; every reader of the records tells the same models apart, and gives each its own score."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import benchmark_calculator as bc
import check_contamination as contamination
import compare_results as cr
import convert_results as converter
import evaluation_manager as manager
import leaderboard as board
import lighteval_vllm_uv as runner
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from record_writer import write_record

MAPPING = manager.read_mapping()
VOCABULARY = cr.vocabulary_of(MAPPING)
STAMP = "2026-01-02T03-04-05.0"
ITEMS = 200


def lm_eval(model: str, arguments: Any) -> Any:
    """Writes a run of lm-eval: a results file with its samples."""

    def write(folder: Path, right: int, base: str) -> None:
        given = arguments.replace("BASE", base) if isinstance(arguments, str) else {"pretrained": base, **arguments}
        metric = [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}]
        document = {
            "results": {"toy": {"acc,none": right / ITEMS, "acc_stderr,none": 0.03}},
            "configs": {"toy": {"output_type": "multiple_choice", "num_fewshot": 0, "metric_list": metric}},
            "versions": {"toy": 1},
            "config": {"model": model, "model_args": given},
            "lm_eval_version": "0.4.9",
        }
        (folder / f"results_{STAMP}.json").write_text(json.dumps(document))
        rows = [
            {
                "doc_id": i,
                "doc": {"question": f"{i}?"},
                "target": 0,
                "arguments": {f"gen_args_{k}": {"arg_0": f"{i}?", "arg_1": f" {k}"} for k in range(2)},
                "resps": [[[-1.0, False]], [[-2.0 if i < right else -0.5, False]]],
                "filtered_resps": [[-1.0, False], [-2.0 if i < right else -0.5, False]],
                "filter": "none",
                "acc": float(i < right),
            }
            for i in range(ITEMS)
        ]
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"samples_toy_{STAMP}.jsonl").write_text(text)

    return write


def inspect(model: str, **arguments: Any) -> Any:
    """Writes a log of inspect as JSON."""

    def write(folder: Path, right: int, base: str) -> None:
        ids = [str(i) for i in range(ITEMS)]
        dataset = {"name": "toy", "samples": ITEMS, "sample_ids": ids}
        spec = {"run_id": "r", "task_id": str(folder), "created": "2026-01-02T03:04:05+00:00", "task": "toy"}
        spec |= {"task_version": 0, "dataset": dataset, "model": model.replace("BASE", base), "model_args": arguments}
        metrics = {"accuracy": {"name": "accuracy", "value": right / ITEMS, "params": {}}}
        score = {"name": "match", "scorer": "match", "params": {}, "metrics": metrics}
        samples = [
            {
                "id": i,
                "epoch": 1,
                "input": f"{i}?",
                "target": "0",
                "messages": [],
                "output": {"choices": [{"message": {"role": "assistant", "content": "0"}, "stop_reason": "stop"}]},
                "scores": {"match": {"value": "C" if int(i) < right else "I", "answer": "0"}},
            }
            for i in ids
        ]
        results = {"total_samples": ITEMS, "completed_samples": ITEMS, "scores": [score]}
        log = {"version": 2, "status": "success", "eval": spec | {"config": {}, "packages": {"inspect_ai": "0.3.180"}}}
        log |= {"plan": {"steps": []}, "results": results, "stats": {}, "samples": samples}
        (folder / "log.json").write_text(json.dumps(log))

    return write


# How a harness is told -> (what its file says, which model that is); two of one model are never apart.
FORMS = {
    "lm-eval": (lm_eval("hf", "pretrained=BASE"), "base"),
    "lm-eval vllm": (lm_eval("vllm", {"dtype": "auto"}), "base"),
    "lm-eval main": (lm_eval("hf", "pretrained=BASE,revision=main"), "base"),
    "lm-eval revision": (lm_eval("hf", "pretrained=BASE,revision=step1000"), "base@step1000"),
    "lm-eval other revision": (lm_eval("hf", {"revision": "step2000"}), "base@step2000"),
    "lm-eval peft": (lm_eval("hf", "pretrained=BASE,peft=acme/lora"), "lora"),
    "lm-eval lora of vllm": (lm_eval("vllm", "pretrained=BASE,lora_local_path=acme/lora"), "lora"),
    "lm-eval peft of another base": (lm_eval("hf", "pretrained=acme/other,peft=acme/lora"), "lora on other"),
    "lm-eval peft in four bits": (lm_eval("hf", "pretrained=BASE,peft=acme/lora,load_in_4bit=True"), "lora in 4 bits"),
    "lm-eval delta": (lm_eval("hf", "pretrained=BASE,delta=acme/delta"), "delta"),
    "lm-eval subfolder": (lm_eval("hf", "pretrained=BASE,subfolder=step_7"), "step_7"),
    "lm-eval file": (lm_eval("hf", {"gguf_file": "q4.gguf"}), "q4"),
    "lm-eval other file": (lm_eval("hf", {"gguf_file": "q8.gguf"}), "q8"),
    "lm-eval 4 bits": (lm_eval("hf", "pretrained=BASE,load_in_4bit=True"), "base in 4 bits"),
    "lm-eval 8 bits": (lm_eval("hf", "pretrained=BASE,load_in_8bit=True"), "base in 8 bits"),
    "lm-eval awq": (lm_eval("vllm", "pretrained=BASE,quantization=awq"), "awq"),
    "inspect hf": (inspect("hf/BASE"), "base"),
    "inspect revision": (inspect("hf/BASE", revision="step1000"), "base@step1000"),
    "inspect adapter": (inspect("vllm/BASE:acme/lora"), "lora"),
    "inspect adapter's revision": (inspect("vllm/BASE:acme/lora@v2"), "lora@v2"),
    "inspect modules": (inspect("vllm/BASE", lora_modules="acme/lora"), "base with modules"),
    "inspect quantization": (inspect("vllm/BASE", quantization="awq"), "awq"),
    "inspect subfolder": (inspect("hf/BASE", subfolder="step_7"), "step_7"),
    "inspect together": (inspect("together/acme/base"), "served by together"),
    "inspect openrouter": (inspect("openrouter/acme/base"), "served by openrouter"),
    "inspect lab": (inspect("openai/gpt-9"), "gpt-9"),
    "inspect cloud": (inspect("openai/azure/gpt-9"), "gpt-9 at azure"),
}


def score_of(model: str) -> int:
    """How many items a model answers right: no two the same."""
    models = sorted({model for _, model in FORMS.values()})
    return 100 + 3 * models.index(model)


def converted(folder: Path, forms: list[str], base: str = "acme/base") -> Path:
    """Records of some files, each in a folder of its own."""
    for number, form in enumerate(forms):
        place = folder / "in" / str(number)
        place.mkdir(parents=True)
        write, model = FORMS[form]
        write(place, score_of(model), base)
    assert converter.main([str(folder / "in"), "--output-dir", str(folder / "out"), "--json"]) == 0
    return folder / "out"


def said(script: Any, capsys: Any, *arguments: object) -> tuple[int, str, str]:
    capsys.readouterr()
    code = script.main([str(argument) for argument in arguments])
    return (code, *capsys.readouterr())


def reader_scores(folder: Path, capsys: Any, name: str) -> dict[str, float | None]:
    """The score that each reader gives for the model of a name; None: it does not know which one is meant."""
    found: dict[str, float | None] = {}
    code, out, err = said(cr, capsys, "--baseline", "me/old", "--candidate", name, "--results", folder, "--json")
    rows = json.loads(out).get("benchmarks", []) if out else []
    assert rows or code == 3 or "no record" in err, (name, code, err)
    found["compare"] = rows[0]["score"]["score"] if rows else None
    try:
        (entry,), _ = manager.read_entries([folder], name, "acme/elsewhere", [], MAPPING)
        found["add"] = entry.value / (100 if entry.value > 1 else 1)
    except manager.ScriptError as refused:
        assert refused.code == 3 or "no record" in str(refused), refused
        found["add"] = None
    try:
        (item,) = contamination.read_measured_items([str(folder)], name, VOCABULARY)
        found["contamination"] = item.score
    except contamination.ScriptError:
        found["contamination"] = None
    return found


def one_form_a_model(forms: list[str]) -> list[str]:
    return list({FORMS[form][1]: form for form in forms}.values())


CHOSEN = st.lists(st.sampled_from(list(FORMS)), min_size=2, max_size=4, unique=True)
PROPERTY = settings(max_examples=10, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))


def test_a_key_is_of_one_model(tmp_path):
    """All forms at once: equal keys are of one model, and one model has one key."""
    folder = converted(tmp_path, list(FORMS))
    models: dict[Any, set[int]] = {}
    for path in folder.rglob("*.json"):
        record = json.loads(path.read_text())
        score = record["evaluation_results"][0]["score_details"]["score"]
        models.setdefault(cr.identity_of(record).key, set()).add(round(score * ITEMS))
    expected = {score_of(model) for _, model in FORMS.values()}
    assert sorted(map(sorted, models.values())) == sorted([score] for score in expected)


@PROPERTY
@given(CHOSEN)
def test_every_reader_gives_each_model_its_own_score(tmp_path_factory, capsys, chosen):
    forms = one_form_a_model(chosen)
    folder = converted(tmp_path_factory.mktemp("identities"), forms)
    write_record(folder, "me/old", [1.0, 0.0] * 100, task="toy")
    found = [cr.identity_of(entry.record) for entry in cr.read_record_entries(cr.record_files([folder]))]
    scores = {}
    for path in folder.rglob("*.json"):
        record = json.loads(path.read_text())
        if record["model_info"]["id"] != "me/old":
            scores[cr.identity_of(record)] = record["evaluation_results"][0]["score_details"]["score"]
    assert len(scores) == len(forms) == len(found) - 1
    names = dict(zip(cr.model_names(list(scores)), sorted(scores, key=lambda one: one.name), strict=True))
    for name in names:
        meant = [identity for identity in scores if identity.answers_to(name)]
        given_scores = reader_scores(folder, capsys, name)
        right = scores[meant[0]] if len(meant) == 1 else None
        for reader, score in given_scores.items():
            assert (score is None) == (right is None), (reader, name, given_scores, meant)
            assert score is None or score == pytest.approx(right), (reader, name, given_scores)
    rows, unreadable = board.read_own_runs([str(folder)], board.Benchmarks.of(MAPPING))
    assert not unreadable
    shown = {row["model"]: row["value"] for row in rows if row["model"] != "me/old"}
    assert len(shown) == len(rows) - 1 == len(scores)
    assert sorted(shown.values()) == pytest.approx(sorted(scores.values()))


@PROPERTY
@given(CHOSEN)
def test_a_checkpoint_has_no_score_of_what_lies_on_it(tmp_path_factory, capsys, chosen):
    """Ranking and racing: the scores of a checkpoint are those of its own weights."""
    root = tmp_path_factory.mktemp("checkpoint")
    place = root / "run" / "step_1"
    place.mkdir(parents=True)
    (place / "config.json").write_text("{}")
    (place / "model.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    folder = converted(root, one_form_a_model(chosen), str(place))
    capsys.readouterr()
    results, _, _ = bc.read_measured([folder], [bc.Checkpoint("step_1", place, 1)], VOCABULARY)
    own = {"base", "base@step1000", "base@step2000", "base in 4 bits", "base in 8 bits", "awq", "base with modules"}
    allowed = {score_of(model) for model in own}
    assert {round(result.score.value * ITEMS) for results in results.values() for result in results} <= allowed


# --- Adapters that a script of this project measured ---


def measured_adapter(folder: Path, place: Path, right: int, *, model_id: str = "", base: str = "acme/base") -> None:
    """The record that a run of an adapter leaves, and its failure of another task; model_id: as with --model-id."""
    place.mkdir(parents=True, exist_ok=True)
    (place / "adapter_config.json").write_text('{"r": 8}')
    own = runner.Model(base, "b" * 64, repo=base, revision="c" * 40)
    name = f"{place.parent.name}/{place.name}"
    model = runner.Model(model_id or name, "a" * 64, place, path=str(place), name=place.name, base=own)
    engine = runner.Engine(None, "bfloat16", "cpu", "1", "vllm", "0.11")
    details = runner.model_info(model, engine)["additional_details"]
    write_record(folder, model.id, [1.0] * right + [0.0] * (ITEMS - right), task="toy", details=details)
    failure = {"failure_version": "1", "task": "other", "model_id": model.id, "error": "died", "log": []}
    path = folder / "data" / "other" / "me" / place.name / f"{place.name}_failure.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(failure | runner.model_marks(model)))


@pytest.mark.parametrize("model_id", ["", "acme/base", "acme/tuned"])
@pytest.mark.parametrize("base_there", [True, False])
@pytest.mark.parametrize("old", [False, True])
def test_an_adapter_measured_here_is_never_its_base(tmp_path, capsys, model_id, base_there, old):
    """Not even where --model-id gives it its base's id; `old`: as records were before they named the adapter."""
    measured_adapter(tmp_path, tmp_path / "run" / "lora", 180, model_id=model_id)
    if old:
        for path in tmp_path.rglob("*.json"):
            path.write_text(json.dumps(without(json.loads(path.read_text()), "adapter")))
    write_record(tmp_path, "me/old", [1.0, 0.0] * 100, task="toy")
    if base_there:
        write_record(tmp_path, "acme/base", [1.0] * 60 + [0.0] * 140, task="toy", details={"revision": "c" * 40})
    found = reader_scores(tmp_path, capsys, "acme/base")
    right = 60 / ITEMS if base_there else None
    assert found == {"compare": right, "add": right, "contamination": right}
    rows, unreadable = board.read_own_runs([str(tmp_path)], board.Benchmarks.of(MAPPING))
    shown = {row["model"]: row["value"] for row in rows}
    of_base = [value for model, value in shown.items() if model.partition("@")[0] == "acme/base"]
    assert not unreadable and of_base == ([right] if right else [])
    assert sorted(shown.values()) == pytest.approx(sorted([0.5, 0.9, *([right] if right else [])]))
    name = model_id if model_id == "acme/tuned" else "run/lora" if not model_id else str(tmp_path / "run" / "lora")
    assert reader_scores(tmp_path, capsys, name) == pytest.approx({"compare": 0.9, "add": 0.9, "contamination": 0.9})


def test_the_only_records_of_an_id_are_not_published_for_it_when_they_are_of_an_adapter_on_it(tmp_path):
    measured_adapter(tmp_path, tmp_path / "run" / "lora", 180, model_id="acme/base")
    with pytest.raises(manager.ScriptError, match=r"not about acme/base itself.*--model-id") as refused:
        manager.read_entries([tmp_path], None, "acme/base", [], MAPPING)
    assert refused.value.code == 3
    (entry,), _ = manager.read_entries([tmp_path], str(tmp_path / "run" / "lora"), "me/lora", [], MAPPING)
    assert entry.value == 0.9


def without(value: Any, name: str) -> Any:
    """JSON without a key, wherever it is."""
    if isinstance(value, list):
        return [without(one, name) for one in value]
    return {key: without(one, name) for key, one in value.items() if key != name} if isinstance(value, dict) else value


def test_an_adapter_on_another_base_is_another_model(tmp_path):
    for base in ("acme/base", "acme/other"):
        measured_adapter(tmp_path, tmp_path / "run" / "lora", 180, base=base)
    found = {cr.identity_of(entry.record).key for entry in cr.read_record_entries(cr.record_files([tmp_path]))}
    assert len(found) == 2


@pytest.mark.parametrize("form", ["lm-eval 4 bits", "lm-eval 8 bits", "lm-eval awq", "inspect quantization"])
def test_a_model_that_was_quantized_where_it_was_loaded_is_not_the_model_itself(tmp_path, capsys, form):
    """Alone in a folder, too: by its id no reader gives its score; names and entries say it."""
    folder = converted(tmp_path, [form])
    write_record(folder, "me/old", [1.0, 0.0] * 100, task="toy")
    assert set(reader_scores(folder, capsys, "acme/base").values()) == {None}
    code, _, _ = said(board, capsys, "collect", "--results", folder, "--output-dir", tmp_path / "board")
    code, out, _ = said(board, capsys, "show", "--data", tmp_path / "board", "--json")
    row, _ = sorted(json.loads(out)["rows"], key=lambda one: one["model"])
    assert code == 0 and row["model"].startswith("acme/base [quantization=")
    assert set(reader_scores(folder, capsys, row["model"]).values()) == {score_of(FORMS[form][1]) / ITEMS}
    (entry,), _ = manager.read_entries([folder], row["model"], "acme/base", [], MAPPING)
    assert entry.variant.startswith("quantization ")


@pytest.mark.parametrize(
    "base", ["acme/base-AWQ", "acme/base-GPTQ-Int4", "acme/base-4bit", "acme/base_w4a16", "a/b-Q4_K_M"]
)
def test_a_model_that_is_published_quantized_goes_by_its_id(tmp_path, capsys, base):
    folder = converted(tmp_path, ["lm-eval awq"], base)
    write_record(folder, "me/old", [1.0, 0.0] * 100, task="toy")
    assert set(reader_scores(folder, capsys, base).values()) == {score_of("awq") / ITEMS}
    ((entry,), _) = manager.read_entries([folder], base, base, [], MAPPING)
    assert entry.variant is None
