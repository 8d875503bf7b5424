"""Revisions and folders of a Hub repository as checkpoints: which are meant, what is fetched, what is removed again."""

import json
import shutil
from pathlib import Path

import lighteval_vllm_uv as script
import pytest
from huggingface_hub import HfApi, constants, scan_cache_dir
from lighteval_vllm_uv import ScriptError, downloaded, hub_models, local_model

TINY = Path(__file__).resolve().parent.parent / "examples" / "tiny_run" / "checkpoints"


def files(step: int, below: str = "") -> dict[str, bytes]:
    """One of the example's checkpoints as files of a repository."""
    folder = TINY / f"step_{step}"
    return {f"{below}{path.name}": path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.fixture
def repo(hub):
    """A repository with the last checkpoint on main, earlier ones on branches, and two in folders."""
    hub.create_repo("me/lm", files=files(900) | {"notes.md": b"n"})
    for step in (300, 100):
        HfApi().create_branch("me/lm", branch=f"step{step}")
        hub.commit("me/lm", files(step), revision=f"step{step}")
    HfApi().create_branch("me/lm", branch="drafts")
    hub.create_repo("me/run", files={"README.md": b"r"} | files(100, "checkpoint-100/") | files(300, "checkpoint-300/"))
    return hub


def sha(step: int) -> str:
    return local_model(TINY / f"step_{step}").weights_sha256


def test_all_revisions_that_are_named_like_steps_in_step_order(repo):
    models = hub_models("me/lm@*", False)
    assert [(m.id, m.label, m.checkpoint, m.step) for m in models] == [
        ("me/lm", "me/lm@step100", "step100", "100"),
        ("me/lm", "me/lm@step300", "step300", "300"),
    ]
    assert [m.weights_sha256 for m in models] == [sha(100), sha(300)]
    assert all(len(m.revision) == 40 for m in models)
    (main,) = hub_models("me/lm", False)
    assert (main.label, main.checkpoint, main.weights_sha256) == ("me/lm", None, sha(900))
    (one,) = hub_models("me/lm@step3*", False)
    assert one.step == "300"


def test_a_folder_of_a_repository_is_a_checkpoint_and_nothing_else_of_it_is_fetched(repo):
    (model,) = hub_models("me/run/checkpoint-300", False)
    assert (model.id, model.label, model.step, model.weights_sha256) == (
        "me/run",
        "me/run/checkpoint-300",
        "300",
        sha(300),
    )
    folder = downloaded(model)
    assert folder.name == "checkpoint-300"
    assert {path.name for path in folder.iterdir()} == set(files(300))
    assert not (folder.parent / "checkpoint-100").exists()
    assert local_model(folder).weights_sha256 == sha(300)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("me/lm@step7", "no such branch, tag or commit"),
        ("me/lm@x*", "no branch or tag of it is named like a step: main"),
        ("me/run", "they are in me/run/checkpoint-100, me/run/checkpoint-300"),
        ("me/run/checkpoint-7", "no weights in it"),
        ("me/none@*", "neither a folder here nor a model on the Hub"),
    ],
)
def test_what_is_not_there_is_one_line_with_what_is(repo, name, said):
    with pytest.raises(ScriptError) as caught:
        hub_models(name, False)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["me/lm/../x", "me/lm@@a", "a b/c", "-x/y z", "me//lm"])
def test_what_is_no_place_on_the_hub_is_refused_before_it_is_asked(hub, name):
    args = script.build_parser().parse_args(["--model", name] if not name.startswith("-") else [f"--model={name}"])
    before = len(hub.requests)
    with pytest.raises(ScriptError, match="no such folder"):
        script.resolve_models(args)
    assert len(hub.requests) == before


def test_a_download_is_removed_from_its_own_repository_alone(repo, monkeypatch):
    """A fork, or a Hub that says so, has the commit of another."""
    (model,) = hub_models("me/lm", False)
    monkeypatch.setattr(script, "FETCHED", {})
    place = downloaded(model).parents[1]
    for other in ("models--me--fork", "datasets--me--precious"):
        shutil.copytree(place, place.with_name(other), symlinks=True)
    script.forget_downloads(0)
    assert {path.name for path in place.parent.glob("*--*")} >= {"models--me--fork", "datasets--me--precious"}
    assert not list(place.glob("snapshots/*"))


def test_downloads_are_removed_again_and_what_was_there_before_stays(repo, monkeypatch):
    monkeypatch.setattr(script, "FETCHED", {})
    (main,) = hub_models("me/lm", False)
    downloaded(main)
    monkeypatch.setattr(script, "FETCHED", {})  # as after an earlier run
    models = hub_models("me/lm@*", False)
    for model in models:
        assert (downloaded(model) / "model.safetensors").is_file()
        script.forget_downloads(1)
    there = {row.commit_hash for entry in scan_cache_dir(constants.HF_HUB_CACHE).repos for row in entry.revisions}
    assert there == {main.revision, models[-1].revision}
    script.forget_downloads(None)
    assert (
        len({row.commit_hash for entry in scan_cache_dir(constants.HF_HUB_CACHE).repos for row in entry.revisions}) == 2
    )


def test_without_the_hub_a_revision_that_was_fetched_before_is_taken(repo, monkeypatch):
    (model,) = hub_models("me/lm@step100", False)
    folder = downloaded(model)
    repo.fault(".*", "/api/models/me/lm", drop="before", times=99)
    (again,) = hub_models("me/lm@step100", False)
    assert (again.weights_sha256, again.step, again.revision) == (model.weights_sha256, "100", model.revision)
    assert local_model(script.find_models(folder)[0][0]).weights_sha256 == model.weights_sha256, "links into the cache"
    with pytest.raises(ScriptError, match="out of reach"):
        hub_models("me/lm@step300", False)


def test_a_dry_run_shows_each_revision(repo, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    models, left_out = script.resolve_models(script.build_parser().parse_args(["--model", "me/lm@*", "me/lm"]))
    assert [model.label for model in models] == ["me/lm@step100", "me/lm@step300", "me/lm"]
    assert left_out == []
    rows = [script.model_row(model, {"weights_bytes": 1, "cache_bytes_per_token": 1}) for model in models]
    assert [script.shown_row(row)["model"] for row in rows] == ["me/lm@step100", "me/lm@step300", "me/lm"]


def parsed(*models: str, backend: str = "accelerate"):
    return script.build_parser().parse_args(["--model", *models, "--tasks", "x|0", "--backend", backend])


def test_an_adapter_on_the_hub_has_its_base_on_the_hub(repo):
    weights = (TINY / "step_100" / "model.safetensors").read_bytes()
    for name, config in (("good", '{"base_model_name_or_path": "me/lm", "revision": "step100"}'), ("bad", "{}")):
        adapter = {"adapter_config.json": config, "adapter_model.safetensors": weights}
        repo.create_repo(f"me/{name}", files=adapter)
    (model,), _ = script.resolve_models(parsed("me/good"))
    assert (model.base.label, model.base.weights_sha256) == ("me/lm@step100", sha(100))
    assert model.folder.is_dir()
    with pytest.raises(ScriptError, match="names no base model"):
        script.resolve_models(parsed("me/bad"))


def test_what_cannot_be_loaded_is_refused_with_the_reason_that_a_job_is_refused_with(repo):
    repo.create_repo("me/packed", files={"model-Q4_K_M.gguf": b"x"})
    with pytest.raises(ScriptError, match="GGUF files") as refused:
        script.resolve_models(parsed("me/packed"))
    assert refused.value.code == 1
    head = b'{"architectures": ["BertForMaskedLM"], "model_type": "bert"}'
    repo.create_repo("me/encoder", files=files(100) | {"config.json": head})
    args = parsed("me/encoder")
    models, _ = script.resolve_models(args)
    with pytest.raises(ScriptError, match="BertForMaskedLM writes no text") as refused:
        script.choose_backend(args, "lighteval", "accelerate", models)
    assert refused.value.code == 1
    both = parsed("me/encoder", "me/lm")
    models, _ = script.resolve_models(both)
    assert (
        script.choose_backend(both, "lighteval", "accelerate", models) == ""
    )  # it fails by itself, and stops no other


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json", "config.4.0.0.json"])
@pytest.mark.parametrize("form", ['"%s--code.Lm"', '[null, "%s--code.Lm"]', '{"AutoModel": "%s--code.Lm"}'])
def test_a_folder_here_does_not_run_in_place_of_the_code_that_a_model_takes_from_another_repository(
    hub, tmp_path, monkeypatch, file, form
):
    hub.create_repo("me/lm", files=files(900) | {file: b'{"auto_map": %s}' % (form % "them/code").encode()})
    monkeypatch.setattr(script, "FETCHED", {})
    monkeypatch.chdir(tmp_path)
    (model,) = hub_models("me/lm", False)
    downloaded(model)
    folder = script.FETCHED[model]
    script.refuse_named.cache_clear()
    (tmp_path / "them" / "code").mkdir(parents=True)
    for named in (model, local_model(folder), model):  # as it is held, as a folder, fetched anew
        with pytest.raises(ScriptError, match="would run instead") as caught:
            downloaded(named)
        script.FETCHED.clear()
        assert caught.value.code == 3


def test_a_models_own_folder_is_no_stand_in_for_its_code(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "me" / "lm"
    folder.mkdir(parents=True)
    for name, data in (files(900) | {"config.json": b'{"auto_map": {"AutoModel": "me/lm--code.Lm"}}'}).items():
        (folder / name).write_bytes(data)
    assert downloaded(local_model(folder)).samefile(folder)


def test_templates_with_names_are_fetched_with_the_model(hub, monkeypatch):
    templates = {"additional_chat_templates/tool_use.jinja": b"{{ 1 }}", "additional_chat_templates/x.py": b"1"}
    hub.create_repo("me/lm", files=files(900) | templates | {"extra[1]/big.safetensors": b"1", "a[1].model": b"1"})
    monkeypatch.setattr(script, "FETCHED", {})
    folder = downloaded(hub_models("me/lm", False)[0])
    assert {path.name for path in folder.rglob("*") if path.is_file()} - {".gitattributes"} == {
        *files(900),
        "tool_use.jinja",
        "a[1].model",
    }


PARTS = [f"model-0000{number}-of-00002.safetensors" for number in (1, 2)]


def sharded(*mapped: str) -> dict[str, bytes]:
    """A repository with two shards, another file of weights, and an index that names some files."""
    rest = {name: data for name, data in files(900).items() if name != "model.safetensors"}
    index = {"weight_map": {f"t{number}": name for number, name in enumerate(mapped)}}
    weights = dict(zip([*PARTS, "w.safetensors"], (b"1", b"2", b"3"), strict=True))
    return rest | weights | {"model.safetensors.index.json": json.dumps(index).encode()}


def test_the_shards_that_are_hashed_are_those_that_are_loaded(hub, monkeypatch):
    monkeypatch.setattr(script, "FETCHED", {})
    hub.create_repo("me/lm", files=sharded(*PARTS))
    (model,) = hub_models("me/lm", False)
    folder = downloaded(model)
    assert script.weights_sha256(folder) == model.weights_sha256
    assert "w.safetensors" not in {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("mapped", [["w.safetensors"], [*PARTS, "w.safetensors"], PARTS[:1]])
def test_an_index_that_names_other_weights_than_are_hashed_is_refused(hub, monkeypatch, mapped):
    monkeypatch.setattr(script, "FETCHED", {})
    hub.create_repo("me/lm", files=sharded(*mapped))
    (model,) = hub_models("me/lm", False)
    with pytest.raises(ScriptError, match="its index names other weights than"):
        downloaded(model)


def test_a_model_has_the_name_that_the_hub_gives_it(repo, hub, capsys):
    hub.create_repo("openai-community/gpt2", files=files(900))
    hub.rename("gpt2", "openai-community/gpt2")
    named = [
        model
        for name in ("gpt2", "OpenAI-community/GPT2", "openai-community/gpt2")
        for model in hub_models(name, False)
    ]
    assert {(model.id, model.repo) for model in named} == {("openai-community/gpt2",) * 2}
    assert capsys.readouterr().err.count("is called openai-community/gpt2 on the Hub") == 2


def test_small_weights_that_are_plain_files_of_git_have_a_hash(hub, monkeypatch):
    monkeypatch.setattr(script, "FETCHED", {})
    hub.create_repo("me/old", files={".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n"})
    hub.commit("me/old", files(900) | {"model.safetensors": b"text, so no large file"})
    (model,) = hub_models("me/old", False)
    assert model.weights_sha256 == script.weights_sha256(downloaded(model))


def test_of_weights_those_alone_are_fetched_that_count(hub, monkeypatch):
    monkeypatch.setattr(script, "FETCHED", {})
    rest = {name: data for name, data in files(900).items() if name != "model.safetensors"}
    others = {"consolidated.safetensors": b"0", "training_args.bin": b"1", "model.onnx": b"2"}
    hub.create_repo("me/bin", files=rest | others | {"pytorch_model.bin": b"PK"})
    (model,) = hub_models("me/bin", False)
    held = {path.name for path in downloaded(model).iterdir()}
    assert "pytorch_model.bin" in held and held.isdisjoint(others)
    assert not hub.count("GET", "consolidated|training_args|onnx")
