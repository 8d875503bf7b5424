"""lighteval_vllm_uv.py without lighteval: names, folders, records, resume, refusals."""

import argparse
import errno
import hashlib
import json
import math
import os
import random
import shlex
import struct
import subprocess
import sys
import time
import types
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import lighteval_vllm_uv as script
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator
from lighteval_vllm_uv import (
    Dataset,
    Engine,
    Failed,
    Finished,
    History,
    Layout,
    MetricScore,
    Model,
    ScriptError,
    Settings,
    Task,
    TaskRequest,
    main,
    parse_lighteval_task,
)

ROOT = Path(__file__).resolve().parents[1]
SCHEMAS = ROOT.parent / "shared" / "every_eval_ever"
VERSIONS = {"lighteval": "0.13.0", "transformers": "5.0.0", "torch": "2.9.0"}


def settings(**changes) -> Settings:
    values = {
        "backend": "accelerate",
        "limit": None,
        "batch_size": None,
        "dtype": "auto",
        "device": "auto",
        "use_chat_template": False,
        "system_prompt": None,
        "trust_remote_code": False,
        "seed": 1234,
        "custom_tasks": None,
        "custom_tasks_sha256": None,
        "versions": VERSIONS,
        "command": "uv run scripts/lighteval_vllm_uv.py",
    }
    return Settings(**{**values, **changes})


def checkpoint(folder: Path, weights: bytes = b"weights", tokenizer: bool = True) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(weights)
    if tokenizer:
        (folder / "tokenizer.json").write_text("{}")
    return folder


# --- tasks ---


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("gsm8k", "gsm8k|0"),
        ("gsm8k|5", "gsm8k|5"),
        (" gsm8k | 5 ", "gsm8k|5"),
        ("leaderboard|gsm8k|5", "gsm8k|5"),
        ("leaderboard|gsm8k|5|0", "gsm8k|5"),
        ("custom|arc:easy|0|1", "arc:easy|0"),
        ("lighteval|gsm8k", "gsm8k|0"),
        ("gsm8k@n=4|0", "gsm8k@n=4|0"),
    ],
)
def test_task_strings_of_all_times(text, wanted):
    assert str(parse_lighteval_task(text)) == wanted


@pytest.mark.parametrize("text", ["gsm8k|five", "|5", "a|b|c|d|e", "leaderboard|gsm8k|5|7", "gsm8k|-1"])
def test_what_is_no_task_string(text):
    with pytest.raises(ScriptError, match="task"):
        parse_lighteval_task(text)


def test_tasks_keep_their_order_and_come_once():
    assert [str(task) for task in script.task_list(["b|1, a,x|a|0,", "b|1"], parse_lighteval_task)] == ["b|1", "a|0"]
    with pytest.raises(ScriptError, match="--list-tasks"):
        script.task_list([" , "], parse_lighteval_task)


SOURCE = """
one = LightevalTaskConfig(name="one", metrics=[])
two = lighteval_task.LightevalTaskConfig(metrics=[], name="two")
unused = LightevalTaskConfig(name="unused")
TASKS_TABLE = [one, two]
"""


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        (SOURCE, {"one", "two"}),
        ('TASKS_TABLE = [LightevalTaskConfig(name=f"mmlu:{x}") for x in ("a", "b")]', {"mmlu:*"}),
        ('def f(x):\n    return LightevalTaskConfig(name="set:" + x)\nTASKS_TABLE = [f(x) for x in XS]', {"set:*"}),
        ("tasks = [LightevalTaskConfig(name=name) for name in names]\nTASKS_TABLE = tasks", {"stem*"}),
        ("TASKS_TABLE = make()", {"stem*"}),
        ('TASKS_TABLE = [LightevalTaskConfig(name="a"), LightevalTaskConfig(name="b")]', {"a", "b"}),
    ],
)
def test_names_are_read_from_source(source, wanted):
    assert script.task_names_in(source, "stem") == wanted


def test_names_of_families_and_globs_match():
    request = TaskRequest("mmlu", 5)
    assert script.names_match(request, "mmlu:anatomy")
    assert not script.names_match(request, "mmlu_pro")
    assert script.names_match(TaskRequest("mmlu_redux_2:law", 0), "mmlu_redux_2:*")
    assert script.names_match(TaskRequest("mmlu_redux_2", 0), "mmlu_redux_2:*")
    assert script.names_match(TaskRequest("gsm8k@n=4", 0), "gsm8k")


def test_an_unknown_task_of_a_task_file_is_refused_with_the_nearest_names(tmp_path, monkeypatch):
    file = tmp_path / "tasks.py"
    file.write_text(SOURCE)
    monkeypatch.setattr(script, "built_in_tasks", lambda: {"hellaswag": "m1", "mmlu:anatomy": "m2"})
    with pytest.raises(ScriptError, match="did you mean hellaswag"):
        script.modules_for([TaskRequest("hellaswg", 0)], file)
    assert script.modules_for([TaskRequest("one", 0), TaskRequest("mmlu", 0)], file) == ["m2"]
    assert script.modules_for([TaskRequest("all", 0)], file) == []
    with pytest.raises(ScriptError, match="--custom-tasks"):
        script.modules_for([TaskRequest("all", 0)], None)


def test_a_task_file_that_is_no_python_is_named_with_its_line(tmp_path):
    file = tmp_path / "tasks.py"
    file.write_text("TASKS_TABLE = [\n")
    with pytest.raises(ScriptError, match=r"tasks\.py:1: "):
        script.custom_task_names(file)


CATALOG = {
    "arc:challenge": "arc",
    "arc:easy": "arc",
    "bigbench:winowhy": "bigbench",
    "aime25": "aime",
    "gsm8k": "gsm8k",
    "mmlu:anatomy": "mmlu",
    "hellaswag": "hellaswag",
    "lcb:codegeneration": "lcb",
    "lcb:codegeneration_v5": "lcb",
    "truthfulqa:mc": "truthfulqa",
}


@pytest.fixture
def catalog(monkeypatch):
    """lighteval's tasks, as far as the tests name them; the real names are compared in the tests with the harness."""
    monkeypatch.setattr(script, "built_in_tasks", lambda: CATALOG)


@pytest.mark.parametrize(
    ("written", "today"),
    [
        ("gsm8k|5", "gsm8k|5"),
        ("arc_challenge|25", "arc:challenge|25"),  # the older name is the canonical key
        ("leaderboard|arc_challenge|25|0", "arc:challenge|25"),
        ("ARC-Challenge", "arc:challenge|0"),
        ("arc|0", "arc|0"),  # a family
        ("bigbench|winowhy|0", "bigbench:winowhy|0"),
        ("aime_2025", "aime25|0"),
        ("truthfulqa", "truthfulqa|0"),  # a family of today comes before a canonical key
        ("livecodebench", "lcb:codegeneration|0"),
        ("unheard_of|3", "unheard_of|3"),
    ],
)
def test_older_names_and_canonical_keys_become_names_of_today(written, today):
    assert str(script.todays_request(parse_lighteval_task(written), CATALOG)) == today


def test_a_name_that_changes_is_said_and_tasks_come_once(catalog, capsys):
    requests = script.task_list(["arc_challenge|25,arc:challenge|25,gsm8k"], parse_lighteval_task)
    assert list(map(str, script.name_tasks(requests, None, None))) == ["arc:challenge|25", "gsm8k|0"]
    assert capsys.readouterr().err == "arc_challenge is arc:challenge in lighteval\n"


@pytest.mark.parametrize("name", ["mmlu", "hellaswag", "mmlu:anatomy"])
def test_tasks_that_are_generative_now_are_warned_about_with_the_other_way(name, catalog, capsys):
    script.name_tasks([parse_lighteval_task(name)], None, None)
    warning = capsys.readouterr().err
    assert warning.startswith(f"warning: {name} generates an answer")
    assert f"lm_eval_vllm_uv.py --tasks {name}" in warning
    script.name_tasks([parse_lighteval_task("gsm8k")], None, None)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("name", ["lcb:codegeneration", "livecodebench", "lcb"])
def test_tasks_that_run_programs_need_a_sandbox(name, catalog, capsys):
    with pytest.raises(ScriptError, match="--sandbox local runs them on this machine with your rights") as caught:
        script.name_tasks([parse_lighteval_task(name)], None, None)
    assert caught.value.code == 2
    assert script.name_tasks([parse_lighteval_task(name)], None, "local")[0].name.startswith("lcb")
    assert "with your rights" in capsys.readouterr().err


def test_a_task_of_ones_own_is_neither_renamed_nor_warned_about(tmp_path, catalog, capsys):
    file = tmp_path / "tasks.py"
    names = ("mmlu", "arc_challenge", "lcb:mine")
    rows = ", ".join(f'LightevalTaskConfig(name="{name}")' for name in names)
    file.write_text(f"TASKS_TABLE = [{rows}]")
    requests = [parse_lighteval_task(name) for name in names]
    assert script.name_tasks(requests, file, None) == requests
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("name", ["humaneval", "mbpp|3"])
def test_what_lighteval_has_not_is_refused_with_where_it_is(name, catalog, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(script, "installed_versions", lambda *_: VERSIONS)
    folder = checkpoint(tmp_path / "run" / "step_1")
    assert main(["--model", str(folder), "--tasks", name]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "no task" in err
    assert "inspect_vllm_uv.py" in err
    assert err.count("\n") == 1


# --- models ---


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("tiny_run/checkpoints/step_100", "tiny_run/step_100"),
        ("tiny_run/step_100", "tiny_run/step_100"),
        ("runs/Models/final", "runs/final"),
        ("big/output/checkpoint-5", "big/checkpoint-5"),
    ],
)
def test_the_id_of_a_checkpoint(tmp_path, path, wanted):
    assert script.local_id(tmp_path / path) == wanted


def test_a_folder_of_checkpoints_in_natural_order(tmp_path):
    for name in ("step_10", "step_9", "step_100"):
        checkpoint(tmp_path / "run" / "checkpoints" / name)
    (tmp_path / "run" / "data" / "sums").mkdir(parents=True)
    for start in (tmp_path / "run", tmp_path / "run" / "checkpoints"):
        found, left_out = script.find_models(start)
        assert [path.name for path in found] == ["step_9", "step_10", "step_100"]
        assert left_out == []
    assert script.find_models(tmp_path / "run" / "checkpoints" / "step_9")[0][0].name == "step_9"


def test_incomplete_checkpoints_are_left_out_with_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    checkpoint(tmp_path / "run" / "step_1")
    (checkpoint(tmp_path / "run" / "step_2") / "model.safetensors").unlink()
    checkpoint(tmp_path / "run" / "step_3", tokenizer=False)
    (checkpoint(tmp_path / "run" / "step_4") / "config.json").unlink()
    (tmp_path / "run" / "step_5").mkdir()
    sharded = checkpoint(tmp_path / "run" / "step_6")
    (sharded / "model.safetensors").rename(sharded / "a.safetensors")
    index = {"weight_map": {"x": "a.safetensors", "y": "b.safetensors"}}
    (sharded / "model.safetensors.index.json").write_text(json.dumps(index))
    (tmp_path / "run" / "step_7").mkdir()
    (tmp_path / "run" / "step_7" / "adapter_config.json").write_text("{}")
    found, left_out = script.find_models(tmp_path / "run")
    assert [path.name for path in found] == ["step_1"]
    reasons = dict(left_out)
    assert "no weights" in reasons["run/step_2"]
    assert "no tokenizer" in reasons["run/step_3"]
    assert reasons["run/step_4"] == reasons["run/step_5"] == "no config.json"
    assert reasons["run/step_6"] == "no b.safetensors"
    assert reasons["run/step_7"].startswith("no weights")


def test_links_out_of_the_folder_are_not_followed(tmp_path):
    outside = checkpoint(tmp_path / "elsewhere" / "step_2")
    checkpoint(tmp_path / "run" / "step_1")
    (tmp_path / "run" / "step_2").symlink_to(outside)
    assert [path.name for path in script.find_models(tmp_path / "run")[0]] == ["step_1"]


def test_a_model_of_a_checkpoint_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = checkpoint(tmp_path / "run" / "checkpoints" / "step_0100")
    model = script.local_model(Path("run/checkpoints/step_0100"))
    assert (model.id, model.step, model.checkpoint) == ("run/step_0100", "100", "step_0100")
    assert model.path == "run/checkpoints/step_0100"
    assert model.place == "run/step_0100"
    assert model.weights_sha256 == script.weights_sha256(folder)
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    assert script.local_model(folder).path == "run/step_0100", "never an absolute path"


def test_the_hub_and_the_disk_give_weights_the_same_hash(tmp_path):
    single = checkpoint(tmp_path / "single")
    digest = script.file_sha256(single / "model.safetensors")
    files = {"model.safetensors": digest, "pytorch_model.bin": "0" * 64}
    assert script.hub_weights_sha256(files) == script.weights_sha256(single)
    sharded = tmp_path / "sharded"
    sharded.mkdir()
    names = [f"model-0000{part}-of-00002.safetensors" for part in (1, 2)]
    for name in names:
        (sharded / name).write_bytes(name.encode())
    index = {"weight_map": {"a": names[1], "b": names[0]}}
    (sharded / "model.safetensors.index.json").write_text(json.dumps(index))
    hashes = {name: script.file_sha256(sharded / name) for name in names} | {"model.safetensors.index.json": "x"}
    assert script.hub_weights_sha256(hashes) == script.weights_sha256(sharded)
    large = {name: types.SimpleNamespace(lfs=types.SimpleNamespace(sha256=hashes[name])) for name in names}
    small = {"model.safetensors.index.json": types.SimpleNamespace(lfs=None)}
    assert script.hub_weights_sha256(script.hub_hashes(large | small)) == script.weights_sha256(sharded)
    one = sharded.parent / "one"
    one.mkdir()
    (one / "model-00001-of-00001.safetensors").write_bytes(b"x")
    (one / "model.safetensors.index.json").write_text('{"weight_map": {"a": "model-00001-of-00001.safetensors"}}')
    alone = {"model-00001-of-00001.safetensors": script.weights_sha256(one), "model.safetensors.index.json": None}
    assert script.hub_weights_sha256(alone) == script.file_sha256(one / "model-00001-of-00001.safetensors")
    assert script.hub_weights_sha256({"model.gguf": "x"}) is None


def test_weights_of_the_same_size_and_date_are_other_weights(tmp_path, monkeypatch):
    folder = checkpoint(tmp_path / "step_1")
    file, cache = folder / "model.safetensors", tmp_path / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    monkeypatch.setattr(script, "SETTLED", -1e9)  # remembered at once
    state, content = file.stat(), file.read_bytes()
    # What an older version remembered, by size and date alone, is not believed.
    entry = hashlib.sha256(f"{file.resolve()}|{state.st_size}|{state.st_mtime_ns}".encode()).hexdigest()
    (cache / "hub-evals" / "sha256").mkdir(parents=True)
    (cache / "hub-evals" / "sha256" / entry).write_text("0" * 64)
    assert script.weights_sha256(folder) == hashlib.sha256(content).hexdigest()
    assert len(list((cache / "hub-evals" / "sha256").iterdir())) == 2, "remembered"
    for place in (file, tmp_path / "other"):  # written over, and put in its place
        content = content[:-1] + bytes([content[-1] ^ 1])
        time.sleep(0.1)  # a write within the clock's tick has no other time
        place.write_bytes(content)
        os.utime(place, ns=(state.st_atime_ns, state.st_mtime_ns))
        place.replace(file)
        assert (file.stat().st_size, file.stat().st_mtime_ns) == (state.st_size, state.st_mtime_ns)
        assert script.weights_sha256(folder) == hashlib.sha256(content).hexdigest()
        state = file.stat()


def test_weights_that_have_just_changed_are_not_remembered(tmp_path, monkeypatch):
    folder = checkpoint(tmp_path / "step_1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(script, "SETTLED", 1e9)
    script.weights_sha256(folder)
    assert not (tmp_path / "cache").exists()


# --- checkpoints that share an engine ---

LAYOUT = Layout({"hidden_size": 8}, {"tokenizer.json": "a"}, {"w": ("F32", (2, 3)), "b": ("F32", (3,))})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, None),
        ({"config": {"hidden_size": 9}}, "config.json has another hidden_size"),
        ({"config": {"hidden_size": 8, "rope": 1}}, "config.json has another rope"),
        ({"files": {"tokenizer.json": "b"}}, "another tokenizer.json"),
        ({"files": {"tokenizer.json": "a", "chat_template.jinja": "c"}}, "another chat_template.jinja"),
        ({"tensors": None}, "the weights are not in safetensors files"),
        ({"tensors": {"w": ("F32", (2, 3))}}, "other tensors (b)"),
        ({"tensors": LAYOUT.tensors | {"w": ("F32", (3, 2))}}, "another shape or dtype of w"),
        ({"tensors": LAYOUT.tensors | {"w": ("BF16", (2, 3))}}, "another shape or dtype of w"),
    ],
)
def test_what_keeps_checkpoints_from_sharing_an_engine(change, reason):
    other = replace(LAYOUT, **change)
    assert script.layout_difference(LAYOUT, other) == reason
    assert (script.layout_difference(other, LAYOUT) is None) == (reason is None)


def safetensors(path: Path, header: bytes, data: bytes = b"") -> Path:
    path.write_bytes(struct.pack("<Q", len(header)) + header + data)
    return path


def test_the_header_of_a_safetensors_file(tmp_path):
    head = {"__metadata__": {"format": "pt"}, "w": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}
    path = safetensors(tmp_path / "model.safetensors", json.dumps(head).encode(), bytes(24))
    assert script.tensor_headers(path) == {"w": ("F32", (2, 3))}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x08\0\0",
        b"\xff" * 64,  # a length that no file has
        struct.pack("<Q", 100) + b"{}",
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 4) + b"{\xff\xfe}",
        struct.pack("<Q", 8) + b'{"w": 1}',
        struct.pack("<Q", 8) + b'{"w":{}}',
        struct.pack("<Q", 100_000) + b"[" * 100_000,
    ],
)
def test_a_broken_safetensors_file_is_named(tmp_path, content):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(ScriptError, match=r"model\.safetensors: not a safetensors file"):
        script.tensor_headers(path)


def test_a_layout_is_read_from_all_shards_and_ignores_what_changes_no_score(tmp_path):
    folder = checkpoint(tmp_path / "a")
    (folder / "config.json").write_text('{"hidden_size": 8, "transformers_version": "5.1", "_name_or_path": "x"}')
    shards = [folder / f"model-0000{part}-of-00002.safetensors" for part in (1, 2)]
    for name, path in zip("wb", shards, strict=True):
        safetensors(path, json.dumps({name: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode(), bytes(4))
    (folder / "model.safetensors").unlink()
    index = {"weight_map": {name: path.name for name, path in zip("wb", shards, strict=True)}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    layout = script.read_layout(folder)
    assert layout.config == {"hidden_size": 8}
    assert layout.tensors == {"w": ("F32", (1,)), "b": ("F32", (1,))}
    assert set(layout.files) == {"tokenizer.json"}
    (folder / "model.safetensors.index.json").unlink()
    (folder / "pytorch_model.bin").write_bytes(b"x")
    assert script.read_layout(folder).tensors is None


# --- requests to an engine ---


def sent(choices: list[list[int]]) -> list[tuple[tuple[int, ...], list[int]]]:
    """One pair of prefix and scored tokens for each request."""
    return [(prefix, ids) for prefix, parts in script.choice_requests(choices).items() for ids in parts]


def test_choices_of_one_token_are_one_request():
    assert sent([[5], [7], [6], [5]]) == [((), [5, 7, 6])]
    assert len(sent([[token] for token in range(128)])) == 1
    assert [len(ids) for _, ids in sent([[token] for token in range(300)])] == [128, 128, 44]


def test_choices_that_differ_in_their_last_token_share_a_request():
    assert sent([[1, 2, 3], [1, 2, 4], [9, 2, 3], [8]]) == [((1, 2), [3, 4]), ((9, 2), [3]), ((), [8])]


@given(st.lists(st.lists(st.integers(0, 400), min_size=1, max_size=4), max_size=300))
def test_every_choice_is_scored_once_in_the_fewest_requests(choices):
    requests = sent(choices)
    covered = [(*prefix, token) for prefix, ids in requests for token in ids]
    assert sorted(covered) == sorted({tuple(choice) for choice in choices})
    assert all(0 < len(ids) <= script.MOST_TOKEN_IDS for _, ids in requests)
    lasts = {prefix: len({c[-1] for c in choices if tuple(c[:-1]) == prefix}) for prefix, _ in requests}
    assert len(requests) == sum(math.ceil(count / script.MOST_TOKEN_IDS) for count in lasts.values())


@given(st.lists(st.integers(0, 9)), st.integers(1, 30))
def test_a_long_prompt_loses_its_beginning(prompt, room):
    fitted, cut = script.fit_prompt(prompt, room)
    assert prompt[len(prompt) - len(fitted) :] == fitted
    assert len(fitted) == min(len(prompt), room)
    assert cut == (len(prompt) > room)


@pytest.mark.parametrize("room", [0, -5])
def test_an_answer_longer_than_the_context_is_refused(room):
    with pytest.raises(ScriptError, match="--max-model-len"):
        script.fit_prompt([1, 2], room)


# --- memory ---


def test_the_memory_of_a_model_is_that_of_its_weights_and_its_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(script, "has_gpu", lambda: True)
    folder = checkpoint(tmp_path / "run" / "step_1")
    config = {"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 1, "hidden_size": 32}
    (folder / "config.json").write_text(json.dumps(config | {"dtype": "bfloat16"}))
    head = {"w": {"dtype": "BF16", "shape": [1000, 500], "data_offsets": [0, 1_000_000]}}
    safetensors(folder / "model.safetensors", json.dumps(head).encode(), bytes(1_000_000))
    model = script.local_model(folder)
    assert script.memory_need(model, settings()) == {"weights_bytes": 1_000_000, "cache_bytes_per_token": 64}
    assert script.memory_need(model, settings(dtype="float32"))["weights_bytes"] == 2_000_000
    monkeypatch.setattr(script, "has_gpu", lambda: False)
    assert script.memory_need(model, settings()) == {"weights_bytes": 2_000_000, "cache_bytes_per_token": 128}


def test_the_memory_of_a_model_that_does_not_say_is_unknown_and_not_zero(tmp_path):
    folder = checkpoint(tmp_path / "run" / "step_1")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    plan = script.memory_need(script.local_model(folder), settings())
    assert plan == {"weights_bytes": None, "cache_bytes_per_token": None}
    whole = {"num_hidden_layers": 3, "num_attention_heads": 4, "head_dim": 16, "hidden_size": 32}
    assert script.cache_bytes(whole, "float16") == 2 * 3 * 4 * 16 * 2


# --- text that leaves the machine ---


def test_tokens_and_machine_folders_are_taken_out(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    secret = "hf_" + "a1B2" * 8
    monkeypatch.setenv("HF_TOKEN", "not-of-the-usual-form")
    text = script.scrub(f"{secret} not-of-the-usual-form {tmp_path}/x {Path.home()}/y")
    assert text == "hf_*** *** x ~/y"


def test_the_command_line_is_told_without_absolute_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["--model", str(tmp_path / "run" / "step_1"), "owner/name", "--tasks", "a|0", "--limit", "10", "--json"]
    words += ["--use-chat-template", "--output-dir", "/elsewhere/deep/results"]
    line = script.command_line(script.build_parser().parse_args(words), "lighteval_vllm_uv.py")
    assert line == (
        "uv run scripts/lighteval_vllm_uv.py --model run/step_1 owner/name --tasks 'a|0' --limit 10 "
        "--use-chat-template --output-dir deep/results"
    )


def test_known_errors_name_what_to_try():
    assert "--batch-size" in script.explain(MemoryError())
    assert "--batch-size" in script.explain(RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"))
    assert "--trust-remote-code" in script.explain(ValueError("please pass `trust_remote_code=True` to allow"))
    assert script.explain(ValueError("two\nlines")) == "ValueError: two lines"


# --- scores ---


def test_metric_names_and_scales():
    assert script.metric_id("acc") == "accuracy"
    assert script.metric_id("em") == "exact_match"
    assert script.metric_id("pass@k:k=4&n=8") == "pass_at_4"
    assert script.metric_id("bleurt") == "bleurt"
    assert script.metric_scale("acc", [0.0, 1.0]) == ("proportion", 0.0, 1.0)
    assert script.metric_scale("chrf", [0.5]) == ("points", 0.0, 100.0)
    assert script.metric_scale("judge", [7.0]) == ("points", None, None)


def test_raw_values_as_numbers():
    assert script.as_number(True) == 1.0
    assert script.as_number([True, False]) == 0.5
    assert script.as_number(SimpleNamespace(golds=["a", "b"], preds=["b"])) == 1.0
    assert script.as_number(SimpleNamespace(golds=2, preds=1)) == 0.0
    assert script.as_number(SimpleNamespace(logprobs=-3.5, weights=2)) == -3.5
    assert math.isnan(script.as_number([]))


def mean(values):
    return sum(values) / len(values)


def test_standard_errors():
    values = [1, 0, 0, 1, 1, 1, 0, 1, 1, 0]
    error, method = script.standard_error_of_metric(mean, values, 1)
    assert method == "analytic"
    assert error == pytest.approx(0.16329931618554522)  # scipy.stats.sem
    assert script.standard_error_of_metric(mean, [1], 1) == (None, "")

    draw = random.Random(5)
    many = [draw.gauss(0, 1) for _ in range(400)]

    def middle(numbers):
        return sorted(numbers)[len(numbers) // 2]

    error, method = script.standard_error_of_metric(middle, many, 1)
    assert method == "bootstrap"
    assert error == pytest.approx(math.sqrt(math.pi / 2 / 400), rel=0.35), "of a median of normal numbers"
    assert script.standard_error_of_metric(middle, many, 1)[0] == error, "the same seed gives the same error"


def test_names_of_aggregations():
    class CorpusLevelF1Score:
        def compute_corpus(self, items): ...

    class CorpusLevelTranslationMetric:
        metric_type = "bleu"

        def compute_corpus(self, items): ...

    assert script.aggregation_name(mean) == "mean"
    assert script.aggregation_name(max) == "max"
    assert script.aggregation_name(CorpusLevelF1Score().compute_corpus) == "corpus_f1"
    assert script.aggregation_name(CorpusLevelTranslationMetric().compute_corpus) == "bleu"


# --- records and resume ---


def a_task(name: str = "sums|0", data: Path | None = None, group: int = 1, request: str = "sums|0") -> Task:
    path = str(data) if data else None
    docs = [
        SimpleNamespace(
            query=f"{n} + 1 =",
            choices=[f" {n + 1}", " 0"],
            gold_index=0,
            sampling_methods=["LOGPROBS"],
            specific=None,
            id=str(n),
        )
        for n in range(4)
    ]
    return Task(
        name=name,
        request=parse_lighteval_task(request),
        group=group,
        source=SimpleNamespace(
            fewshot_split="train", config=SimpleNamespace(version=0, generation_size=8, stop_sequence=["\n"])
        ),
        dataset=Dataset("o/sums", None, ("test",), path, script.data_sha256(data) if data else None),
        docs=docs,
        sample_ids=[f"test/{n}" for n in range(4)],
        total=4,
    )


ENGINE = Engine(None, "float32", "cpu", "32", "transformers", "5.0.0")
SCORE = MetricScore("acc", 0.75, 0.25, "analytic", "mean", False, "proportion", 0.0, 1.0, 4, {"empty": "0"})


class Rule:
    """A metric's rule, which lighteval prints by its class and attributes."""

    def __init__(self, **options):
        vars(self).update(options)

    def __str__(self):
        return f"Rule({', '.join(f'{name}={value}' for name, value in vars(self).items())})"


def scored_by(rule) -> list:
    """A metric with its score, as a record takes them."""
    metric = SimpleNamespace(metric_name="acc", sample_level_fn=rule)
    return [(SimpleNamespace(metric=metric), SCORE)]


def put(output: Path, model: Model, task: Task, chosen: Settings) -> Finished:
    """Write a record as a run does, with three of four items right."""
    record = script.lighteval_record(model, task, scored_by(Rule(norm=None)), ENGINE, chosen, 1_800_000_000)
    lines = []
    for sample_id, doc, value in zip(task.sample_ids, task.docs, [1.0, 1.0, 1.0, 0.0], strict=True):
        result = record["evaluation_results"][0]
        row = script.lighteval_row(record, result, (sample_id, doc, f"Say: {doc.query}"), [doc.choices[0]], None)
        lines.append(json.dumps(row | {"evaluation": {"score": value, "is_correct": value == 1.0}}) + "\n")
    return script.write_record(output, model, task, record, "".join(lines))


MODEL = Model("run/step_5", "f" * 64, Path("run/step_5"), path="run/step_5")


@pytest.mark.skipif(not SCHEMAS.exists(), reason="the schemas are not beside this checkout")
def test_records_and_samples_keep_the_schema(tmp_path):
    finished = put(tmp_path, MODEL, a_task(), settings())
    schema = json.loads((SCHEMAS / "eval.schema.json").read_text())
    assert list(Draft7Validator(schema).iter_errors(json.loads(finished.path.read_text()))) == []
    rows = finished.path.with_name(f"{finished.path.stem}_samples.jsonl").read_text().splitlines()
    samples = Draft7Validator(json.loads((SCHEMAS / "instance_level_eval.schema.json").read_text()))
    assert [list(samples.iter_errors(json.loads(row))) for row in rows] == [[]] * 4


def judge(model: str, max_tokens: int = 512):
    def prompt(question, answer):
        return f"Is {answer} right for {question}?"

    class Judge(SimpleNamespace):
        def __str__(self):
            return f"Model: {self.model}, Judge Backend: {self.backend}, URL: {self.url}"

    about = {"backend": "tgi", "url": "http://user:pw@h/v1", "api_key": "sk-abcdefabcdefabcdef", "template": prompt}
    return Judge(model=model, max_tokens=max_tokens, process_judge_response=float, **about)


def test_a_record_says_who_scored_and_who_judged():
    def details(rule) -> dict:
        task = a_task()
        task.docs[0].sampling_methods = ["GENERATIVE"]
        record = script.lighteval_record(MODEL, task, scored_by(rule), ENGINE, settings(), 1_800_000_000)
        (result,) = record["evaluation_results"]
        assert result["generation_config"]["additional_details"]["stop"] == '["\\n"]'
        return result["metric_config"]["additional_details"]

    assert details(Rule(norm=None, strip=True)) == {
        "aggregation": "mean",
        "scorer": "Rule",
        "scorer_settings": "Rule(norm=None, strip=True)",
    }
    assert details(max) == {"aggregation": "mean", "scorer": "max"}
    found = details(Rule(judge=judge("acme/judge"), short_judge_name=None))
    assert (found["scorer"], found["grader_model"]) == ("Rule", "acme/judge")
    assert json.loads(found["grader_settings"]) == {"backend": "tgi", "max_tokens": 512}
    assert len(found["grader_prompt_hash"]) == 16
    assert not any(secret in str(found) for secret in ("user:pw", "sk-abc"))
    other = details(Rule(judge=judge("acme/judge", 64), short_judge_name=None))
    assert other["grader_settings"] != found["grader_settings"]


def test_a_rule_without_a_printed_form_is_its_class():
    printed = [f"<lighteval.metrics.sample_preparator.PerplexityPreparator object at 0x7f5a9bd9{n}>" for n in (1, 2)]
    found = [script.lighteval_scorer({"sample_level_fn": text}) for text in printed]
    assert found[0] == found[1]
    assert found[0]["scorer"] == "PerplexityPreparator"


def test_a_record_lies_where_its_name_says(tmp_path):
    finished = put(tmp_path, MODEL, a_task("mmlu:law|5", request="mmlu|5", group=57), settings())
    assert finished.path.parent == tmp_path / "data" / "mmlu_law" / "run" / "step_5"
    record = json.loads(finished.path.read_text())
    assert record["evaluation_id"] == "mmlu_law/run/step_5/1800000000"
    assert (tmp_path / record["detailed_evaluation_results"]["file_path"]).is_file()
    assert record["evaluation_results"][0]["evaluation_result_id"] == "mmlu:law|5/acc"
    assert sorted(path.suffix for path in finished.path.parent.iterdir()) == [".json", ".jsonl"], "no temporary file"
    row = json.loads(finished.path.with_name(f"{finished.path.stem}_samples.jsonl").read_text().splitlines()[0])
    assert row["input"]["formatted"] == "Say: 0 + 1 ="
    assert row["input"]["choices"] == [" 1", " 0"]
    assert row["input"]["reference"] == [" 1"]


def test_what_is_finished_is_found_again_and_what_differs_is_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = tmp_path / "items"
    data.mkdir()
    (data / "test.jsonl").write_text("{}\n")
    task, chosen = a_task(data=Path("items")), settings(custom_tasks=Path("tasks.py"))
    finished = put(tmp_path / "out", MODEL, task, chosen)
    request = parse_lighteval_task("sums")

    def found(model=MODEL, other=chosen):
        return History(tmp_path / "out", [model]).request(model, other, request)

    assert [row.path for row in found()] == [finished.path]
    assert History(tmp_path / "out", [MODEL]).task(MODEL, chosen, task).path == finished.path
    assert found(other=replace(chosen, batch_size=4)), "the batch size decides no score"
    assert found(model=Model(MODEL.id, "e" * 64, MODEL.folder, path=MODEL.path)) is None
    for change in ({"limit": 10}, {"seed": 2}, {"dtype": "float16"}, {"system_prompt": "Be brief."}):
        assert found(other=settings(**change)) is None
    assert found(other=settings(versions={"lighteval": "0.14.0", "transformers": "5.0.0", "torch": "2.9.0"})) is None
    (data / "test.jsonl").write_text('{"changed": 1}\n')
    assert found() is None
    assert History(tmp_path / "out", [MODEL]).task(MODEL, chosen, a_task(data=Path("items"))) is None


def test_weights_that_are_read_with_other_files_are_measured_anew(tmp_path, monkeypatch):
    """A configuration, a tokenizer or a template that was put right changes answers, and no weight."""
    monkeypatch.chdir(tmp_path)
    folder = checkpoint(tmp_path / "step_1")
    model, task = script.local_model(folder), a_task()
    record = put(tmp_path / "out", model, task, settings()).path

    def finished() -> bool:
        return History(tmp_path / "out", [model]).task(model, settings(), task) is not None

    assert finished()
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"transformers_version": "9.9"}))
    assert finished(), "who wrote it changes nothing"
    (folder / "config.json").write_text(json.dumps(config | {"rms_norm_eps": 100.0}))
    assert not finished()
    (folder / "config.json").write_text(json.dumps(config))
    for name in (
        "tokenizer.json",
        "chat_template.jinja",
        "generation_config.json",
        "additional_chat_templates/x.jinja",
    ):
        place = folder / name
        before = place.read_bytes() if place.is_file() else None
        place.parent.mkdir(exist_ok=True)
        place.write_text('{"other": 1}')
        assert not finished(), name
        place.unlink() if before is None else place.write_bytes(before)
        assert finished(), name
    content = json.loads(record.read_text())
    del content["model_info"]["additional_details"]["model_files_sha256"]
    record.write_text(json.dumps(content))
    assert finished(), "a record from before the hash was kept"


def test_a_record_of_somebody_else_that_counts_as_finished_is_named(tmp_path, monkeypatch, capsys):
    """Who brings a folder with made-up results is not taken for an earlier run without a word."""
    monkeypatch.chdir(tmp_path)
    outcome = script.Outcome(skipped=[put(tmp_path / "out", MODEL, a_task(), settings())])
    assert script.report(outcome, Path("out"), True) == 0
    captured = capsys.readouterr()
    assert [row["reason"] for row in json.loads(captured.out)["skipped"]] == ["finished before"] and not captured.err
    record = outcome.skipped[0].path
    record.write_text(record.read_text().replace('"score": 0.75', '"score": 1.0'))
    assert script.report(outcome, Path("out"), True) == 0
    captured = capsys.readouterr()
    assert [row["reason"] for row in json.loads(captured.out)["skipped"]] == ["finished before, elsewhere"]
    assert "1 of 1 finished before are records that you have not written here" in captured.err
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another"))
    script.report(outcome, Path("out"), False)
    assert record.name in capsys.readouterr().err


def test_an_adapter_that_is_applied_otherwise_is_measured_anew(tmp_path, monkeypatch):
    """The same tensors with another scaling are another model, on whatever base."""
    monkeypatch.chdir(tmp_path)
    lora, applied = tmp_path / "lora", {"r": 4, "lora_alpha": 8, "peft_version": "0.17.0"}
    lora.mkdir()
    task, model = a_task(), replace(MODEL, folder=lora, base=MODEL)
    (lora / "adapter_config.json").write_text(json.dumps(applied))
    put(tmp_path / "out", model, task, settings())

    def finished(**changes) -> bool:
        (lora / "adapter_config.json").write_text(json.dumps(applied | changes))
        return History(tmp_path / "out", [model]).task(model, settings(), task) is not None

    assert finished()
    assert finished(peft_version="0.19.1", inference_mode=True, rank_pattern={})
    assert not finished(lora_alpha=16)
    assert not finished(use_rslora=True)


def test_what_was_measured_by_older_versions_stays_finished(monkeypatch):
    """The example's records carry the key of their settings; today's code must give the same for the same command."""
    monkeypatch.chdir(ROOT)
    paths = [p for p in (ROOT / "examples/tiny_run/results").rglob("*.json") if not p.name.endswith("_failure.json")]
    assert len(paths) >= 150
    keys = set()
    for path in paths:
        record = json.loads(path.read_text())
        details, library = record["eval_library"]["additional_details"], record["eval_library"]
        args = script.build_parser().parse_args(shlex.split(details["command"])[3:])
        engine = record["model_info"]["inference_engine"]["version"]
        versions = {"lighteval": library["version"], "transformers": engine, "torch": details["torch"]}
        monkeypatch.setattr(script, "installed_versions", lambda *_, versions=versions: versions)
        assert script.lighteval_settings(args).key == details["settings_hash"]
        keys.add(details["settings_hash"])
    assert keys


LATER = [
    {"temperature": 0.7},
    {"repeat": 1},
    {"reasoning_tags": ("<a>", "</a>")},
    {"max_model_len": 64},
    {"backend": "vllm"},
]


@pytest.mark.parametrize("change", LATER)
def test_settings_that_decide_a_score_are_in_its_key(change):
    assert settings(**change).key != settings().key


@pytest.mark.parametrize("change", [{"tensor_parallel_size": 2}, {"gpu_memory_utilization": 0.5}, {"batch_size": 3}])
def test_settings_that_change_speed_and_memory_alone_are_not(change):
    assert settings(**change).key == settings().key


def test_repeats_differ_in_the_seed_of_the_answers_alone():
    rows = [settings(temperature=0.7, repeat=number or None) for number in range(3)]
    assert len({row.key for row in rows}) == 3
    assert [row.sampling_seed for row in rows] == [1234, 1235, 1236]
    assert {row.seed for row in rows} == {1234}


def test_a_family_is_finished_when_all_its_subtasks_are(tmp_path):
    request = parse_lighteval_task("mmlu|5")
    put(tmp_path, MODEL, a_task("mmlu:law|5", request="mmlu|5", group=2), settings())
    assert History(tmp_path, [MODEL]).request(MODEL, settings(), request) is None
    put(tmp_path, MODEL, a_task("mmlu:anatomy|5", request="mmlu|5", group=2), settings())
    assert len(History(tmp_path, [MODEL]).request(MODEL, settings(), request)) == 2


def test_a_record_without_its_samples_or_of_another_tool_counts_for_nothing(tmp_path):
    finished = put(tmp_path, MODEL, a_task(), settings())
    folder = finished.path.parent
    (folder / "00000000-0000-4000-8000-000000000000.json").write_text("[1]")
    (folder / "00000000-0000-4000-8000-000000000001.json").write_text("{")
    (folder / f"{finished.path.stem}_samples.jsonl").unlink()
    assert History(tmp_path, [MODEL]).request(MODEL, settings(), parse_lighteval_task("sums")) is None


def test_a_failure_file_says_what_is_needed_and_goes_when_the_task_succeeds(tmp_path):
    task = a_task()
    failed = script.write_failure(tmp_path, MODEL, task, settings(limit=3), "out of memory", ["info: last words"])
    content = json.loads(failed.path.read_text())
    assert content["task"] == "sums|0"
    assert content["settings"]["limit"] == 3
    assert content["log"] == ["info: last words"]
    assert "evaluation_results" not in content
    history = History(tmp_path, [MODEL])
    history.forget_failure(MODEL, settings(limit=3), "other|0")
    assert failed.path.exists()
    history.forget_failure(MODEL, settings(limit=3), "sums|0")
    assert not failed.path.exists()


def test_a_full_disk_is_an_error_of_one_line(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("builtins.open", full)
    with pytest.raises(ScriptError, match="could not be written") as caught:
        put(tmp_path, MODEL, a_task(), settings())
    assert caught.value.code == 2
    assert "\n" not in str(caught.value)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


# --- the data set for records ---

SUMS = 'TASKS_TABLE = [LightevalTaskConfig(name="sums")]'


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("me/evals", ("me/evals", "")),
        ("me/evals/", ("me/evals", "")),
        ("me/evals/runs", ("me/evals", "runs/")),
        ("me/evals/runs/a.b", ("me/evals", "runs/a.b/")),
    ],
)
def test_where_records_are_uploaded_to(text, wanted):
    target = script.parse_results_repo(text)
    assert (target.repo_id, target.folder) == wanted


@pytest.mark.parametrize("text", ["evals", "../x", "me/../x", "me/evals/..", "/me/evals", "me//evals", "me/a b", ""])
def test_what_is_no_place_for_records(text):
    with pytest.raises(ScriptError, match="write OWNER/NAME"):
        script.parse_results_repo(text)


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """A folder with a checkpoint and a task file, and a function that measures it as a run does, but for the model."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(script, "installed_versions", lambda *_: VERSIONS)
    monkeypatch.setattr(script, "load_lighteval_tasks", lambda *_: pytest.fail("a task would be measured"))
    checkpoint(tmp_path / "run" / "step_5")
    (tmp_path / "tasks.py").write_text(SUMS)

    def measure(output: str = "out", task: str = "sums|0") -> Finished:
        args = script.build_parser().parse_args(words(output))
        return put(Path(output), script.local_model(Path("run/step_5")), a_task(task, request="sums"), read(args))

    return measure


def words(output: str, *more: str) -> list[str]:
    fixed = ["--model", "run/step_5", "--tasks", "sums", "--custom-tasks", "tasks.py"]
    return [*fixed, "--output-dir", output, *more]


def read(args: argparse.Namespace) -> Settings:
    return script.lighteval_settings(args)


def uploaded(hub, repo: str = "me/evals") -> set[str]:
    return {name for name in hub.files(repo, repo_type="dataset") if name != ".gitattributes"}


def test_records_are_uploaded_in_one_commit_to_a_private_data_set(hub, measured):
    target = script.open_results_repo("me/evals/runs")
    assert hub.repo("me/evals", "dataset").private
    before = len(hub.commits("me/evals", repo_type="dataset"))
    paths = []
    for task in ("sums|0", "more|0"):
        finished = measured(task=task)
        paths += [finished.path, finished.path.with_name(f"{finished.path.stem}_samples.jsonl")]
    script.upload_results(target, Path("out"), paths)
    assert len(hub.commits("me/evals", repo_type="dataset")) == before + 1
    assert uploaded(hub) == {f"runs/{path.relative_to('out').as_posix()}" for path in paths}
    script.upload_results(target, Path("out"), [])
    assert len(hub.commits("me/evals", repo_type="dataset")) == before + 1, "nothing to upload is no commit"


def test_a_gitignore_of_the_data_set_keeps_no_record_from_it(hub, measured):
    hub.create_repo("me/evals", "dataset", {".gitignore": "*.jsonl\ndata/\n"})
    hub.repo("me/evals", "dataset").private = True
    target, finished = script.open_results_repo("me/evals"), measured()
    samples = finished.path.with_name(f"{finished.path.stem}_samples.jsonl")
    script.upload_results(target, Path("out"), [finished.path, samples])
    assert {path.relative_to("out").as_posix() for path in (finished.path, samples)} < uploaded(hub)


def test_a_data_set_of_another_name_now_is_asked_for_by_it(hub, measured, capsys):
    hub.create_repo("me/new", "dataset", private=True)
    hub.rename("me/evals", "me/new", "dataset")
    assert main(words("out", "--results-repo", "me/evals")) == 3
    assert "--results-repo me/new, if that is meant" in capsys.readouterr().err
    assert ("datasets", "me/evals") not in hub.repos and len(hub.commits("me/new", repo_type="dataset")) == 1


def test_a_public_data_set_is_refused_before_anything_is_measured(hub, measured, capsys):
    hub.create_repo("me/evals", "dataset")
    commits = len(hub.commits("me/evals", repo_type="dataset"))
    assert main(words("out", "--results-repo", "me/evals")) == 3
    assert "is there and public" in capsys.readouterr().err
    assert len(hub.commits("me/evals", repo_type="dataset")) == commits
    hub.repo("me/evals", "dataset").private = True
    assert script.open_results_repo("me/evals").repo_id == "me/evals"


@pytest.mark.parametrize("status", [412, 503, 429])
def test_an_upload_that_meets_another_one_is_tried_again(hub, measured, monkeypatch, status):
    monkeypatch.setattr("time.sleep", lambda _: None)
    target, finished = script.open_results_repo("me/evals"), measured()
    hub.fault("POST", "/commit/", status=status, times=2)
    script.upload_results(target, Path("out"), [finished.path])
    assert uploaded(hub) == {finished.path.relative_to("out").as_posix()}
    assert hub.count("POST", "/commit/") >= 3


def test_an_upload_that_is_refused_says_where_the_records_are(hub, measured):
    target, finished = script.open_results_repo("me/evals"), measured()
    hub.fault("POST", "/commit/", status=403, message=f"no rights for {hub.token}", times=99)
    with pytest.raises(ScriptError, match=r"not uploaded.*the records are in out") as caught:
        script.upload_results(target, Path("out"), [finished.path])
    assert hub.token not in str(caught.value)
    assert hub.count("POST", "/commit/") == 1, "a refusal is not tried again"


@pytest.mark.parametrize("exists", [True, False])
def test_a_token_without_write_permission_is_refused_before_anything_is_measured(
    hub, measured, monkeypatch, capsys, exists
):
    if exists:
        hub.create_repo("me/evals", "dataset", private=True)
    monkeypatch.setenv("HF_TOKEN", hub.read_token)
    assert main(words("out", "--results-repo", "me/evals")) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "--results-repo me/evals: the Hub refused (403): it needs a token with write permission (HF_TOKEN)" in err
    assert err.count("\n") == 1
    assert hub.read_token not in err
    assert not Path("out").exists()


def test_a_hub_that_does_not_answer_is_refused_before_anything_is_measured(hub, measured, capsys):
    hub.fault(".*", "/api/repos/create", drop="before", times=99)
    assert main(words("out", "--results-repo", "me/evals")) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "the Hub is out of reach" in err
    assert err.count("\n") == 1


def test_what_the_data_set_has_is_fetched_and_not_measured_again(hub, measured, capsys):
    finished = measured("first")
    samples = finished.path.with_name(f"{finished.path.stem}_samples.jsonl")
    target = script.open_results_repo("me/evals/runs")
    script.upload_results(target, Path("first"), [samples, finished.path])
    hub.commit("me/evals", {"runs/data/sums/other/model/x.json": "{}"}, repo_type="dataset")
    capsys.readouterr()
    assert main(words("second", "--results-repo", "me/evals/runs", "--json")) == 0
    out, err = capsys.readouterr()
    answer = json.loads(out)
    assert [row["reason"] for row in answer["skipped"]] == ["finished before"]
    assert answer["records"] == []
    assert hub.token not in out + err
    copied = sorted(path.relative_to("second") for path in Path("second").rglob("*") if path.is_file())
    assert copied == sorted(path.relative_to("first") for path in (finished.path, samples))
    for name in copied:
        assert (Path("second") / name).read_bytes() == (Path("first") / name).read_bytes()


def test_what_was_measured_before_is_uploaded_too(hub, measured, capsys):
    """As after a run whose upload failed: the records are here and not there."""
    finished = measured()
    assert main(words("out", "--results-repo", "me/evals")) == 0
    samples = finished.path.with_name(f"{finished.path.stem}_samples.jsonl")
    assert uploaded(hub) == {path.relative_to("out").as_posix() for path in (finished.path, samples)}
    commits = len(hub.commits("me/evals", repo_type="dataset"))
    assert main(words("out", "--results-repo", "me/evals")) == 0
    assert len(hub.commits("me/evals", repo_type="dataset")) == commits, "and only once"


def test_a_data_set_that_cannot_be_read_is_one_line(hub, measured, capsys):
    hub.create_repo("me/evals", "dataset", private=True)
    hub.commit("me/evals", {"data/sums/run/step_5/x.json": "{}"}, repo_type="dataset")
    hub.fault(".*", "/resolve", status=403, times=99)
    assert main(words("out", "--results-repo", "me/evals")) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "--results-repo me/evals" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("content", [b"\xff\xfe", b"[]", b"{", b'{"evaluation_results": []}', b'{"model_info": 3}'])
def test_hostile_files_of_the_data_set_measure_nothing_and_break_nothing(hub, measured, content, capsys):
    finished = measured("first")
    samples = finished.path.with_name(f"{finished.path.stem}_samples.jsonl")
    target = script.open_results_repo("me/evals")
    script.upload_results(target, Path("first"), [samples, finished.path])
    hub.commit("me/evals", {"data/sums/run/step_5/00.json": content}, repo_type="dataset")
    assert main(words("second", "--results-repo", "me/evals")) == 0
    assert "(0 new, 1 finished before)" in capsys.readouterr().out


# --- output ---


def test_the_table_turns_when_there_are_many_tasks(tmp_path):
    rows = [put(tmp_path, MODEL, a_task(f"t{n}|0", request=f"t{n}"), settings()) for n in range(8)]
    failures = [Failed(Path("x_failure.json"), "run/step_6", "t1|0", "no")]
    table = script.score_table(rows, failures)
    assert table[0] == ["task (± std. error)", "run/step_5", "run/step_6"]
    assert ["t1|0/acc", "0.750 ± 0.250", "failed"] in table
    small = script.score_table(rows[:2], failures)
    assert small[0] == ["model (± std. error)", "t0|0/acc", "t1|0/acc"]
    assert small[1] == ["run/step_5", "0.750 ± 0.250", "0.750 ± 0.250"]
    assert small[2] == ["run/step_6", "-", "failed"]
    assert ["run/step_6", "-", "failed"] in [line.split() for line in script.render_table(small).splitlines()]


def test_nothing_but_failures_is_no_result(tmp_path, capsys):
    failed = Failed(tmp_path / "x_failure.json", "run/step_6", "t1|0", "out of memory")
    assert script.report(script.Outcome(failed=[failed]), tmp_path, True) == 1
    out, err = capsys.readouterr()
    assert json.loads(out)["records"] == []
    assert "out of memory (see" in err
    assert script.report(script.Outcome(failed=[failed]), tmp_path, False) == 1
    assert "(0 new, 0 finished before)" in capsys.readouterr().out
    finished = put(tmp_path, MODEL, a_task(), settings())
    assert script.report(script.Outcome(written=[finished], failed=[failed]), tmp_path, True) == 1
    answer = json.loads(capsys.readouterr().out)
    assert [row["scores"][0]["score"] for row in answer["records"]] == [0.75]
    assert answer["failed"][0]["error"] == "out of memory"


# --- refusals ---

ASK = ["--model", "x", "--tasks", "gsm8k|5"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--tasks", "gsm8k|5"], "--model is missing"),
        (["--model", "x"], "--tasks is missing"),
        (["--model", "x", "--tasks", "gsm8k|5", "--backend", "vllm"], "--backend accelerate"),
        (["--model", "x", "--tasks", "gsm8k|5", "--limit", "0"], "--limit must be at least 1"),
        (["--model", "x", "--tasks", "gsm8k|five"], "'gsm8k|five' is no task"),
        (["--model", "x", "--tasks", "a", "--custom-tasks", "none.py"], "none.py: no such file"),
        ([*ASK, "--tensor-parallel-size", "2"], "--tensor-parallel-size: a setting of --backend vllm: transformers"),
        ([*ASK, "--gpu-memory-utilization", "0.5"], "--gpu-memory-utilization: a setting of --backend vllm"),
        ([*ASK, "--backend", "vllm", "--gpu-memory-utilization", "80"], "between 0 and 1"),
        ([*ASK, "--backend", "vllm", "--tensor-parallel-size", "0"], "--tensor-parallel-size must be at least 1"),
        ([*ASK, "--backend", "vllm", "--device", "mps"], "--device mps: vLLM does not run there"),
        ([*ASK, "--sandbox", "docker"], "lighteval runs no containers: use --sandbox local"),
        ([*ASK, "--temperature", "-1"], "--temperature must lie between 0 (greedy) and 10"),
        ([*ASK, "--temperature", "nan"], "--temperature must lie between 0 (greedy) and 10"),
        ([*ASK, "--repeats", "3"], "--repeats: greedy answers are the same each time: add --temperature"),
        ([*ASK, "--repeats", "3", "--temperature", "0"], "--repeats: greedy answers are the same each time"),
        ([*ASK, "--temperature", "1", "--repeats", "0"], "--repeats must be at least 1"),
        ([*ASK, "--max-model-len", "0"], "--max-model-len must be at least 1"),
        ([*ASK, "--batch-size", "-4"], "--batch-size must be at least 1"),
    ],
)
def test_refusals_are_one_line_and_leave_stdout_empty(words, message, capsys):
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("name", ["./nowhere", "a/b/c", "~/nowhere/at/all"])
def test_a_folder_that_is_not_there_is_not_looked_up_on_the_hub(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ScriptError, match="no such folder"):
        script.resolve_models(argparse.Namespace(model=[name], model_id=None, use_chat_template=False))


def test_a_model_id_is_for_one_model(tmp_path):
    for step in (1, 2):
        checkpoint(tmp_path / "run" / f"step_{step}")
    args = argparse.Namespace(model=[str(tmp_path / "run")], model_id="me/best", use_chat_template=False)
    with pytest.raises(ScriptError, match="--model-id names one model, but --model gives 2"):
        script.resolve_models(args)
    args.model = [str(tmp_path / "run" / "step_2")]
    assert script.resolve_models(args)[0][0].id == "me/best"


def test_a_missing_chat_template_is_refused(tmp_path, capsys):
    with_one, without = checkpoint(tmp_path / "run" / "step_1"), checkpoint(tmp_path / "run" / "step_2")
    (with_one / "tokenizer_config.json").write_text('{"chat_template": "{{ messages }}"}')
    models = [script.local_model(folder) for folder in (with_one, without)]
    with pytest.raises(ScriptError, match="run/step_2: its tokenizer has no chat template"):
        script.check_templates(models, True)
    script.check_templates(models[:1], True)
    assert capsys.readouterr().err == ""
    script.check_templates(models, False)
    assert "--use-chat-template" in capsys.readouterr().err


def test_help_is_quick_and_imports_nothing_heavy():
    code = "import sys, lighteval_vllm_uv as s; print([n for n in ('torch', 'lighteval', 'rich') if n in sys.modules])"
    folder = Path(script.__file__).parent
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_each_sample_of_an_item_is_its_part_of_the_answers_that_are_empty_or_cut_off():
    model = SimpleNamespace(max_length=100, tokenizer=SimpleNamespace(eos_token_id=0, decode=lambda tokens: "x"))
    metric = SimpleNamespace(category=SimpleNamespace(value="GENERATIVE"))

    def told(texts: list[str], tokens: list[int]) -> tuple[str, str]:
        doc = SimpleNamespace(stop_sequences=["stop"], generation_size=8, specific=None)
        response = SimpleNamespace(
            final_text=texts, output_tokens=[[5] * count for count in tokens], input_tokens=[1], logprobs=[]
        )
        response.padded_tokens_count = 0
        scored = script.Scored("avg@4", metric, [response] * 10, [1.0] * 10, [None] * 10)
        counts = script.count_answers(scored, [doc] * 10, SimpleNamespace(model=model))
        return counts["empty"], counts["truncated"]

    assert told(["a", "b", "c", "d"], [3, 3, 3, 3]) == ("0", "0")
    assert told(["a", "", " ", "d"], [3, 3, 3, 8]) == ("5", "3")  # 20 and 10 of 40 texts, of ten answers
    assert told([""] * 4, [8] * 4) == ("10", "10")
