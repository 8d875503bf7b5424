"""The folder that a command stands in, and what the Hub answers, may be a stranger's: nothing of it runs or decides."""

import http.server
import json
import logging
import os
import shlex
import shutil
import subprocess
import sys
import threading
import types
from pathlib import Path

import lighteval_vllm_uv as harness
import pytest
import score_predictions as predictions

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = ROOT / "scripts"
TRAPS = ("multiprocessing", "uuid", "json", "hub_evals_engine", "pickle", "concurrent", "numpy")


def trap(folder):
    """Modules in a folder that leave a file when one of them is imported."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in TRAPS:
        (folder / f"{name}.py").write_text(
            f"open({str(folder / 'ran')!r}, 'a').write('{name} ')\nraise SystemExit(9)\n"
        )
    return folder


def call(code, folder):
    """A program that is run as a user runs a script: its own place first, not the current folder's."""
    file = folder.parent / "program.py"
    file.write_text(f"import sys\nsys.path.insert(0, {str(SCRIPTS)!r})\n{code}")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    words = [sys.executable, str(file)]
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def venv_of_a_stranger(folder):
    """An environment whose Python leaves a file when somebody asks it for its version."""
    (folder / "bin").mkdir(parents=True)
    for name in ("python", "python3"):
        (folder / "bin" / name).write_text(f'#!/bin/sh\ntouch "{folder.parent}/ran"\nexec {sys.executable} "$@"\n')
        (folder / "bin" / name).chmod(0o755)
    (folder / "pyvenv.cfg").write_text("home = /usr/bin\n")
    return folder


@pytest.mark.skipif(os.name == "nt" or shutil.which("uv") is None, reason="real uv, and a program of a shell")
@pytest.mark.parametrize("place", [".venv here", ".venv above", "the folder itself", ".python-version", "uv.toml"])
@pytest.mark.parametrize("more", [(), ("--no-project",)])
def test_uv_runs_no_python_of_the_folder(tmp_path, place, more):
    """Also where the script's environment is not there yet: each case has a cache of its own."""
    project, here = tmp_path / "x" / "project", tmp_path / "stranger" / "below"
    script = project / "scripts" / "tool.py"
    script.parent.mkdir(parents=True)
    here.mkdir(parents=True)
    script.write_text('# /// script\n# requires-python = ">=3.11"\n# dependencies = []\n# ///\nprint("done")\n')
    if place == ".python-version":
        python = venv_of_a_stranger(tmp_path / "x" / "evil") / "bin" / "python"
        (tmp_path / "x" / ".python-version").write_text(f"{python}\n")
    elif place == "uv.toml":
        for folder in (tmp_path / "x", here):
            (folder / "uv.toml").write_text("no settings = [")  # an error wherever it is read
    else:
        venv_of_a_stranger({".venv here": here / ".venv", ".venv above": here.parent / ".venv"}.get(place, here / "x"))
        if place == "the folder itself":
            here = here / "x"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("UV_")}
    environment |= {"UV_CACHE_DIR": str(tmp_path / "cache"), "UV_OFFLINE": "1"}
    command = [*harness.uv_words(), *more, str(script)]
    for _ in range(2):
        done = subprocess.run(command, cwd=here, env=environment, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
    assert not list(tmp_path.rglob("ran"))


def test_what_is_printed_and_what_is_started_names_the_projects_own_script(tmp_path, monkeypatch):
    """In a folder that has scripts of the same names; of one's own folder the short line is printed."""
    monkeypatch.chdir(ROOT)
    assert harness.run_line("leaderboard.py") == "uv run scripts/leaderboard.py"
    (tmp_path / "scripts").mkdir()
    for name in ("leaderboard.py", "lighteval_vllm_uv.py", "score_predictions.py"):
        (tmp_path / "scripts" / name).write_text("a stranger's")
    for folder in (tmp_path, ROOT.parent):  # the one above the project is not the project's
        monkeypatch.chdir(folder)
        for name in ("leaderboard.py", "lighteval_vllm_uv.py"):
            words = shlex.split(harness.run_line(name, "--with", "one"))
            before = harness.uv_words(name.startswith("lighteval"))
            assert words == [*before, "--with", "one", str(SCRIPTS / name)] and "--no-config" in before
        assert shlex.split(predictions.started_with("a", "b"))[-6:] == [
            "--with", "a", "--with", "b", str(SCRIPTS / "score_predictions.py"), "..."
        ]  # fmt: skip
    started = []
    monkeypatch.setattr(harness.os, "execv", lambda *words: started.append(words))
    monkeypatch.setattr(harness, "has_gpu", lambda: True)
    monkeypatch.setattr(harness.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("HUB_EVALS_WITH_VLLM", "")
    harness.ensure_vllm("accelerate")
    ((program, words),) = started
    before = harness.uv_words(harness=True)[1:]
    assert Path(program).is_absolute() and words[1 : len(before) + 1] == before
    assert str(SCRIPTS / "lighteval_vllm_uv.py") in words


SPAWN = """
import check_contamination as script
import concurrent.futures, multiprocessing, subprocess
from parts_of_test import task

def run(args):
    subprocess.run([sys.executable, "-c", "import uuid, json"], check=True)
    subprocess.run([sys.executable, "-m", "json.tool", "/dev/null"], check=False)
    with concurrent.futures.ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        assert list(pool.map(abs, [-1, -2])) == [1, 2]
    return 0

if __name__ == "__main__":
    import argparse
    parser = argparse.ArgumentParser()
    parser.set_defaults(run=run)
    sys.exit(script.run_main(parser, []))
""".replace("from parts_of_test import task\n", "")


def test_no_child_imports_from_the_current_folder(tmp_path):
    folder = trap(tmp_path / "stranger")
    done = call(SPAWN, folder)
    assert not (folder / "ran").exists(), (folder / "ran").read_text()
    assert done.returncode == 0, done.stderr


def test_the_environment_of_a_caller_is_left_as_it_was(monkeypatch):
    import argparse

    import convert_results as script

    seen = []
    parser = argparse.ArgumentParser()
    parser.set_defaults(run=lambda args: seen.append(os.environ["PYTHONSAFEPATH"]) or 0)
    for before in (None, "", "x"):
        monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
        if before is not None:
            monkeypatch.setenv("PYTHONSAFEPATH", before)
        assert script.run_main(parser, []) == 0
        assert os.environ.get("PYTHONSAFEPATH") == before
    assert seen == ["1"] * 3


SERVER = """
import json, os
import inspect_vllm_uv as script
from pathlib import Path

script.vllm_on_cpu = lambda: True  # as where it is installed
script.read_layout = lambda folder: None
SHOW = "import hub_evals_engine, json, os, sys, uuid; print(json.dumps([os.getcwd(), sys.path]))"
script.server_environment = lambda *rest: dict(os.environ)
script.server_command = lambda *rest: [sys.executable, "-c", SHOW]
server = script.VllmServer(Path("model"), {}, None)
server.keeper.wait(60)
print(server.log.read_text())
server.close()
"""


def test_a_server_stands_in_a_folder_of_its_own(tmp_path):
    folder = trap(tmp_path / "stranger")
    done = call(SERVER, folder)
    assert not (folder / "ran").exists(), (folder / "ran").read_text()
    assert done.returncode == 0, done.stderr
    place, paths = json.loads(done.stdout)
    assert str(folder) not in [place, *paths] and "" not in paths[1:]


class Recorder(http.server.BaseHTTPRequestHandler):
    """A server that remembers who showed it a token, and answers what it is told to."""

    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.seen.append((self.command, self.path.split("?")[0], self.headers.get("Authorization")))
        status, headers, body = self.server.answers(self)
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body if self.command != "HEAD" else b"")

    do_GET = do_HEAD = do_POST = do_PUT = answer

    def log_message(self, *_):
        """Silent."""


@pytest.fixture
def servers(monkeypatch, tmp_path):
    """The Hub, by whose answers it is tested, and another server."""
    from huggingface_hub import constants, utils

    running = [http.server.ThreadingHTTPServer(("127.0.0.1", 0), Recorder) for _ in range(2)]
    for server in running:
        server.seen, server.answers = [], lambda request: (200, {}, b"[]")
        server.place = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", running[0].place)
    monkeypatch.setattr(constants, "ENDPOINT", running[0].place)
    monkeypatch.setenv("HF_TOKEN", "hf_" + "a" * 34)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    yield running
    utils.set_client_factory(utils._http.default_client_factory)
    for server in running:
        server.shutdown()
        server.server_close()


WHO = b'{"type": "user", "name": "me", "orgs": [], "auth": {"accessToken": {"role": "write"}}}'
LISTINGS = [
    ("leaderboard", ["collect", "--author", "me", "--output-dir", "out"]),
    ("evaluation_manager", ["batch", "--author", "me", "--output-dir", "out"]),
    ("evaluation_manager", ["benchmarks"]),
]


@pytest.mark.parametrize(("name", "argv"), LISTINGS, ids=lambda value: str(value[0]))
@pytest.mark.parametrize("way", ["next page", "redirection"])
def test_the_token_goes_to_the_hub_alone(servers, name, argv, way, capsys):
    hub, other = servers

    def answers(request):
        if "whoami" in request.path:
            return 200, {}, WHO
        if "agent-harness" in request.path:
            return 200, {}, b"{}"
        if way == "redirection":
            return 302, {"Location": f"{other.place}/elsewhere"}, b"{}"
        rows = b'[{"id": "me/a", "_id": "1", "modelId": "me/a"}]' if request.path.startswith("/api/models?") else b"[]"
        return 200, {"Link": f'<{other.place}/next?cursor=1>; rel="next"'}, rows

    hub.answers = answers
    code = __import__(name).main(argv)
    assert any(token for _, _, token in hub.seen), "the Hub itself gets the token"
    assert not [row for row in other.seen if row[2]]
    if way == "next page":
        assert code == (0 if name == "evaluation_manager" and argv == ["benchmarks"] else 2)  # it has a list of its own
        assert not other.seen
        assert other.place in capsys.readouterr().err


def test_whoever_asks_through_the_clients_session_shows_no_token_elsewhere(servers):
    import evaluation_manager as script
    from huggingface_hub import get_session
    from huggingface_hub.utils import build_hf_headers

    hub, other = servers
    script.watch_answers()
    headers = build_hf_headers(token="hf_" + "b" * 34)
    get_session().post(f"{other.place}/verify", headers=headers, json={})  # as the client does with an LFS action
    get_session().get(f"{hub.place}/api/models", headers=headers)
    assert [bool(row[2]) for row in (*other.seen, *hub.seen)] == [False, True]
    script.keep_token_home(f"{other.place}/v1")
    get_session().get(f"{other.place}/v1/models", headers=headers)
    assert other.seen[-1][2], "a server that the command line names"
    script.NAMED_ORIGINS.clear()


ROUTES = {
    "another server": "{other}/refresh",
    "as two read it": "{other}\\@{name}/refresh",
    "with a name": "http://{name}@{bare}/refresh",
    "no slashes": "http:{bare}/refresh",
    "no scheme": "//{bare}/refresh",
    "no port": "http://127.0.0.1:99999999/refresh",
    "begins like the Hub": "https://huggingface.co.{bare}/refresh",
}


@pytest.mark.parametrize("header", ["Link", "X-Xet-Refresh-Route"])
@pytest.mark.parametrize("way", [*ROUTES, "the Hub", "the public Hub"])
def test_access_to_a_stored_file_is_renewed_at_the_hub_alone(servers, way, header, monkeypatch, tmp_path):
    import evaluation_manager as script
    from huggingface_hub import constants, hf_hub_download

    hub, other = servers
    bare = other.place.removeprefix("http://")
    good = {"the Hub": f"{hub.place}/api/refresh", "the public Hub": "https://huggingface.co/api/refresh"}
    route = good.get(way) or ROUTES[way].format(other=other.place, bare=bare, name=hub.place.removeprefix("http://"))
    told = f'<{route}>; rel="xet-auth"' if header == "Link" else route
    stored = {"X-Repo-Commit": "a" * 40, "ETag": '"' + "b" * 64 + '"', "X-Xet-Hash": "c" * 64, header: told}
    hub.answers = lambda request: (200, stored, b"x" * 100)
    place = hub.place + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", place)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)  # whether or not hf_xet is here
    script.watch_answers()
    if way in good:
        assert Path(hf_hub_download("me/m", "a.bin", cache_dir=tmp_path / "hub")).stat().st_size == 100
    else:
        with pytest.raises(script.ScriptError, match="is not the Hub"):
            hf_hub_download("me/m", "a.bin", cache_dir=tmp_path / "hub")
        assert not other.seen


LOCAL = {"dataset_name": "GSM8K", "source_type": "other", "additional_details": {"path": "openai/gsm8k"}}


def record_of(folder, source):
    """A record that says GSM8K, by lm-eval's name, measured on some data."""
    example = ROOT / "examples" / "tiny_run" / "results" / "data" / "math_reasoning" / "tiny_run" / "step_700"
    path = next(path for path in example.glob("*.json"))
    record = json.loads(path.read_text())
    for result in record["evaluation_results"]:
        result |= {"source_data": source, "evaluation_name": "gsm8k", "evaluation_result_id": "gsm8k|0/exact_match"}
        result["score_details"]["uncertainty"] = {"num_samples": 1319}
        result["score_details"].pop("details", None)
    record.pop("detailed_evaluation_results", None)
    record["model_info"] |= {"id": "acme/Lumen-7B", "name": "Lumen-7B", "developer": "acme"}
    place = folder / "results" / "data" / "gsm8k" / "acme" / "Lumen-7B" / path.name
    place.parent.mkdir(parents=True)
    place.write_text(json.dumps(record))


@pytest.mark.parametrize("local", [True, False])
def test_a_result_on_local_files_is_not_filed_as_the_hubs(tmp_path, monkeypatch, capsys, local):
    import evaluation_manager
    import leaderboard

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    hubs = {"dataset_name": "gsm8k", "source_type": "hf_dataset", "hf_repo": "openai/gsm8k", "hf_split": "test"}
    record_of(tmp_path, LOCAL if local else hubs)
    (tmp_path / "README.md").write_text("# Lumen-7B\n")
    argv = ["--repo-id", "acme/Lumen-7B", "--card", "README.md", "--results", "results", "--allow-partial", "--json"]
    assert evaluation_manager.main(["add", *argv, "--allow-invalid"]) == 0
    answer = json.loads(capsys.readouterr().out)
    text = json.dumps([answer["model_index"], answer["eval_results"]])
    assert ("openai/gsm8k" in text) is not local, answer
    assert any("files of one's own" in note for note in answer["notes"]) is local
    argv = ["collect", "--results", "results", "--output-dir", "board"]
    assert leaderboard.main(argv) in (0, 1)  # 1: no row to compare
    import duckdb

    rows = duckdb.sql(f"SELECT why_not FROM '{tmp_path}/board/leaderboard.parquet'").fetchall()
    assert any("files of one's own" in (why or "") for (why,) in rows) is local, rows


@pytest.mark.parametrize("other", [True, False])
def test_a_result_on_another_data_set_is_kept_apart_on_the_board(tmp_path, monkeypatch, other):
    import duckdb
    import leaderboard

    monkeypatch.chdir(tmp_path)
    repo = "evil/easy_gsm" if other else "AI-ModelScope/gsm8k"
    record_of(tmp_path, {"dataset_name": "gsm8k", "source_type": "hf_dataset", "hf_repo": repo, "hf_split": "test"})
    assert leaderboard.main(["collect", "--results", "results", "--output-dir", "board"]) in (0, 1)
    rows = duckdb.sql(f"SELECT why_not FROM '{tmp_path}/board/leaderboard.parquet'").fetchall()
    assert rows and any("evil/easy_gsm" in (why or "") for (why,) in rows) is other, rows


def local_record(path, files=None):
    details = {"path": path, "data_sha256": "0" * 64} | ({"data_files": files} if files else {})
    return {"evaluation_results": [{"source_data": {"source_type": "other", "additional_details": details}}]}


def test_a_record_names_no_place_to_be_read(tmp_path, monkeypatch):
    import lm_eval_vllm_uv as script

    (tmp_path / "tasks" / "data").mkdir(parents=True)
    (tmp_path / "tasks" / "data" / "test.jsonl").write_text("{}\n")
    (tmp_path / "tasks" / "out").symlink_to(tmp_path.parent)
    (tmp_path / "mine.jsonl").write_text("{}\n")
    (tmp_path / "many").mkdir()
    monkeypatch.chdir(tmp_path)
    read = []
    real = script.file_sha256
    monkeypatch.setattr(script, "file_sha256", lambda path: read.append(str(path)) or real(path))
    settings = types.SimpleNamespace(custom_tasks=Path("tasks/t.yaml"))
    history = script.History(tmp_path / "out", [])
    for path, files in (
        ("/", None), ("/proc", None), ("..", None), ("../x", None), ("tasks/out", None),
        ("tasks/data", "../../../x.jsonl"), ("tasks", "/etc/passwd"), (str(tmp_path.parent), None),
    ):  # fmt: skip
        assert not history.data_unchanged(local_record(path, files), settings), path
    assert not read
    good = local_record("tasks/data")
    good["evaluation_results"][0]["source_data"]["additional_details"]["data_sha256"] = script.data_sha256(
        Path("tasks/data")
    )
    assert history.data_unchanged(good, settings)
    assert script.History(tmp_path / "out", []).data_unchanged(good, types.SimpleNamespace(custom_tasks=None))
    for number in range(script.HISTORY_ENTRIES + 1):
        (tmp_path / "tasks" / "data" / f"{number}.txt").touch()
    read.clear()
    assert not script.History(tmp_path / "out", []).data_unchanged(good, settings) and not read


PAGES = ["https://evil.example/pwn", "https://huggingface.co.evil.example/datasets/a/b", "https://huggingface.co/evil",
         "https://huggingface.co/datasets/../evil", "http://huggingface.co/datasets/a/b", "javascript:x"]  # fmt: skip


@pytest.mark.parametrize("page", PAGES)
def test_a_hidden_list_names_no_source(tmp_path, page, monkeypatch):
    import evaluation_manager as script

    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    record_of(tmp_path, LOCAL)
    path = next((tmp_path / "results").rglob("*.json"))
    name = path.relative_to(tmp_path / "results").as_posix()
    hidden = tmp_path / "results" / ".contributed.json"
    hidden.write_text(json.dumps({name: page}))
    assert script.contributed_url(path) is None
    good = f"https://huggingface.co/datasets/evaleval/EEE_datastore/blob/main/{name}"
    hidden.write_text(json.dumps({name: good}))
    assert script.contributed_url(path) == good


def checkpoint(folder, **adapter):
    """A checkpoint, or an adapter of one, of a few bytes."""
    folder.mkdir(parents=True)
    header = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    weights = len(header).to_bytes(8, "little") + header + bytes(4)
    (folder / ("adapter_model.safetensors" if adapter else "model.safetensors")).write_bytes(weights)
    (folder / "tokenizer.json").write_text("{}")
    if not adapter:
        (folder / "config.json").write_text('{"model_type": "llama", "architectures": ["LlamaForCausalLM"]}')
    else:
        (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", **adapter}))
    return folder


def test_an_adapter_names_its_base_and_fetches_none_from_elsewhere(tmp_path, monkeypatch, capsys):
    import lm_eval_vllm_uv as script

    home = tmp_path / "home"
    private = checkpoint(home / "private" / "base")
    monkeypatch.setenv("HOME", str(home))
    here = tmp_path / "a" / "b" / "here"
    here.mkdir(parents=True)
    monkeypatch.chdir(here)
    far = os.path.relpath(private, here / "run")
    for number, name in enumerate((str(private), far, "../" * 9 + str(private).lstrip("/"))):
        folder = checkpoint(here / "run" / f"adapter_{number}", base_model_name_or_path=name)
        with pytest.raises(script.ScriptError, match="--base-model") as refused:
            script.with_base(script.local_model(folder), None, {})
        assert refused.value.code == 3, name
        assert script.with_base(script.local_model(folder), str(private), {}).base.folder == private
    folder = checkpoint(here / "run" / "tilde", base_model_name_or_path="~/private/base")
    with pytest.raises(script.ScriptError, match="no such folder here"):
        script.with_base(script.local_model(folder), None, {})
    capsys.readouterr()
    checkpoint(here / "run" / "base")
    folder = checkpoint(here / "run" / "good", base_model_name_or_path="base")
    assert script.with_base(script.local_model(folder), None, {}).base.folder == here / "run" / "base"
    assert "base is the folder" in capsys.readouterr().err


def folder_of_weights(place, names, config=None, index=None):
    place.mkdir()
    for name in names:
        (place / name).write_bytes(name.encode())
    (place / "config.json").write_text(json.dumps({"model_type": "llama"} | (config or {})))
    if index:
        shards = {f"tensor.{number}": name for number, name in enumerate(index[1:])}
        (place / index[0]).write_text(json.dumps({"weight_map": shards}))
    return place


SHARDS = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
WHOLE, INDEX = "model.safetensors", "model.safetensors.index.json"


@pytest.mark.parametrize(
    ("own", "beside", "index"),
    [
        ([WHOLE], ["w.safetensors"], None),
        ([WHOLE], ["consolidated.safetensors", "consolidated.00.safetensors"], None),
        ([WHOLE], ["adapter_config.json", "adapter_model.safetensors"], None),
        ([WHOLE], SHARDS, [INDEX, *SHARDS]),
        ([WHOLE], ["params.json", "scales.json", "words.txt", "prophetnet.tok", "words"], None),
        ([INDEX, *SHARDS], ["consolidated.safetensors", "model.fp16.safetensors"], [INDEX, *SHARDS]),
        (["pytorch_model.bin"], ["other.bin", "x.safetensors", "optimizer_1.bin"], None),
        (
            [WHOLE],
            ["readme.safetensors", "requirements.safetensors", "optimizer.bin.safetensors", "z\n.safetensors"],
            None,
        ),
        ([WHOLE], ["trainer_state.json.safetensors", "LICENSE-x.safetensors"], None),
    ],
)
def test_an_engine_sees_no_weights_but_those_of_the_hash(tmp_path, capsys, own, beside, index):
    """What transformers or vLLM would load in their place, or put on them, is not in the folder that they get."""
    plain = ["tokenizer.json", "training_args.bin", "vocab.json"]
    names = [name for name in [*own, *beside, *plain] if not index or name != index[0]]
    folder = folder_of_weights(tmp_path / "step_1", names, index=index)
    shown = harness.own_weights_only(folder)
    assert sorted(os.listdir(shown)) == sorted({*own, "config.json", "tokenizer.json", "vocab.json"})
    assert harness.weights_sha256(shown) == harness.weights_sha256(folder)
    assert "is not in the hash of its weights" in capsys.readouterr().err


@pytest.mark.parametrize(
    "name",
    [
        *("hf_quant_config.json", "quantize_config.json", "sparse_attention_config.json", "tekken.json", "vocab.txt"),
        *("video_preprocessor_config.json", "tokenizer.4.1.json", "entity_vocab.json", "merges.txt", "bpe.codes"),
        *("sentencepiece.bpe.model", "spm.model", "qwen.tiktoken", "tokenizer.model.v3", "source.spm", "own.py"),
        *("additional_chat_templates/tool.jinja", "custom_generate/generate.py"),
    ],
)
def test_what_an_engine_reads_beside_the_weights_is_hashed(tmp_path, capsys, name):
    """What it gets is what is hashed, by the rule of names and not by a list of some."""
    folder = folder_of_weights(tmp_path / "step_1", [WHOLE, "tokenizer.json"])
    before = harness.model_files_sha256(folder)
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("one")
    one = harness.model_files_sha256(folder)
    (folder / name).write_text("two")
    assert len({before, one, harness.model_files_sha256(folder)}) == 3
    assert harness.own_weights_only(folder) == folder and not capsys.readouterr().err


@pytest.mark.parametrize("where", ["tokenizer_config.json", "special_tokens_map.json", "config.json"])
def test_a_configuration_has_no_file_read_that_is_not_hashed(tmp_path, monkeypatch, where):
    """Transformers takes a tokenizer from wherever "fast_tokenizer_files" or "gguf_file" say."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for number, place in enumerate((tmp_path, tmp_path / "other", tmp_path / "here")):
        place.mkdir(exist_ok=True)
        (place / f"tokenizer.5.{number}.json").write_text("{}")
    there = str(tmp_path / "other" / "tokenizer.5.1.json")
    strange = [
        "../tokenizer.5.0.json",
        "../other/tokenizer.5.1.json",
        there,
        "tokenizer.5.2.json",
        "README.md",
        "x/a.py",
    ]
    plain = ["tokenizer.4.0.json", "</s>", "x", "x.y", "~\ud800/a", "a\0b", "b" * 9000, str(tmp_path), "auto", WHOLE]
    for number, name in enumerate([*strange, *plain]):
        folder = folder_of_weights(tmp_path / f"step_{number}", [WHOLE, "tokenizer.4.0.json", "README.md"])
        if name in strange[4:]:
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text("{}")
        said = {"model_type": "llama", "fast_tokenizer_files": [name], "deep": [{"gguf_file": name}]}
        (folder / where).write_text(json.dumps(said))
        if name in plain:
            assert harness.hashed_files_only(folder) == folder
            continue
        with pytest.raises(harness.ScriptError, match="take the name out") as refused:
            harness.hashed_files_only(folder)
        assert refused.value.code == 3
    folder = folder_of_weights(tmp_path / "trained", [WHOLE])
    said = {"model_type": "llama", "special_tokens_map_file": there, "name_or_path": "../tokenizer.5.0.json"}
    (folder / where).write_text(json.dumps(said))
    assert harness.hashed_files_only(folder) == folder, "where it was trained from, which nothing opens"


def test_an_engine_sees_no_weights_in_folders_below(tmp_path, capsys):
    """vLLM reads Cosmos from transformer/*.safetensors; the checkpoints below a run's last model are its own affair."""
    folder = folder_of_weights(tmp_path / "run", [WHOLE])
    for below in ("checkpoint-5", "figures"):
        (folder / below).mkdir()
        (folder / below / ("loss.png" if below == "figures" else WHOLE)).write_text("other")
    assert harness.own_weights_only(folder) == folder
    harness.own_weights_only.cache_clear()
    for below in ("transformer", "question_encoder_tokenizer"):
        (folder / below).mkdir()
        (folder / below / "x.json").write_text("other")
    assert sorted(os.listdir(harness.own_weights_only(folder))) == ["config.json", WHOLE]
    assert "question_encoder_tokenizer, transformer is not in the hash of its weights" in capsys.readouterr().err


@pytest.mark.parametrize("key", ["text_model_id", "audio_model_id"])
def test_a_model_with_a_part_that_is_another_model_is_not_run(tmp_path, key):
    """vLLM's Ultravox loads its language model from the folder or repository that config.json names."""
    folder = folder_of_weights(tmp_path / "step_1", [WHOLE], {"model_type": "ultravox", key: "them/other"})
    with pytest.raises(harness.ScriptError, match="as a part of it"):
        harness.own_weights_only(folder)


@pytest.mark.parametrize(
    "said", [{"vocab": "w"}, {"merges": "p"}, {"x": "../../no/w.json"}, {"auto_map": {"T": "code/own.T"}}]
)
def test_a_tokenizer_s_tables_come_from_its_own_files(tmp_path, said):
    """Transformers hands these to the tokenizer, which opens the file of that name in the current folder."""
    folder = folder_of_weights(tmp_path / "step_1", [WHOLE, "tokenizer.json"])
    (folder / "tokenizer_config.json").write_text(json.dumps(said))
    (folder / "code").mkdir()
    (folder / "code" / "own.py").touch()
    with pytest.raises(harness.ScriptError, match="take the name out"):
        harness.hashed_files_only(folder)


@pytest.mark.parametrize(
    ("names", "config", "index"),
    [
        ([WHOLE, "tokenizer.json", "optimizer.bin", "pytorch_model.bin"], {"transformers_weights": WHOLE}, None),
        (SHARDS, {"transformers_weights": INDEX}, [INDEX, *SHARDS]),
        (["pytorch_model.bin", "training_args.bin", "scheduler.bin"], None, None),
    ],
)
def test_a_folder_of_one_model_is_loaded_as_it_is(tmp_path, capsys, names, config, index):
    folder = folder_of_weights(tmp_path / "step_1", names, config, index)
    assert harness.own_weights_only(folder) == folder and not capsys.readouterr().err
    (tmp_path / "adapter").mkdir()
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        (tmp_path / "adapter" / name).write_text("{}")
    assert harness.own_weights_only(tmp_path / "adapter") == tmp_path / "adapter"


@pytest.mark.parametrize("named", ["w.safetensors", "x/../w.safetensors", INDEX, "", ["w.safetensors"], 5])
def test_a_configuration_names_no_other_weights(tmp_path, named):
    folder = folder_of_weights(tmp_path / "step_1", [WHOLE, "w.safetensors"], {"transformers_weights": named})
    with pytest.raises(harness.ScriptError, match="transformers_weights"):
        harness.own_weights_only(folder)


@pytest.mark.parametrize("said", [{"verifier": {"name_or_path": "them/other"}}, {}, "x"])
def test_a_draft_for_another_model_is_not_run_as_that_one(tmp_path, said):
    """vLLM starts the model that a speculator's configuration names, from wherever that is."""
    folder = folder_of_weights(tmp_path / "step_1", [WHOLE], {"speculators_config": said})
    with pytest.raises(harness.ScriptError, match="another model"):
        harness.own_weights_only(folder)


@pytest.mark.parametrize(
    "kind", ["XLORA", "xlora", "PROMPT_TUNING", "MULTITASK_PROMPT_TUNING", "POLY", "NEW", 5, ["LORA"]]
)
def test_an_adapter_that_names_more_than_its_own_file_is_not_loaded(tmp_path, monkeypatch, kind):
    """X-LoRA fetches the adapters that its configuration names, prompt tuning a tokenizer or a file."""
    monkeypatch.chdir(tmp_path)
    base = checkpoint(tmp_path / "base")
    adapter = checkpoint(tmp_path / "run" / "adapter_1", base_model_name_or_path=str(base), peft_type=kind)
    with pytest.raises(harness.ScriptError, match="takes more than its own file"):
        harness.with_base(harness.local_model(adapter), None, {})
    for plain in ("LORA", "lora", "IA3", None):
        adapter = checkpoint(tmp_path / f"run_{plain}" / "adapter_1", base_model_name_or_path="base", peft_type=plain)
        assert harness.with_base(harness.local_model(adapter), None, {}).base


@pytest.mark.parametrize(
    "name",
    ["libcuda.so.1", "libx.so", "glibc-hwcaps/x86-64-v3/libcuda.so.1", "tls/x86_64/libcuda.so.1", "x86_64/libm.so.6"],
)
def test_a_library_of_the_folder_stops_a_harness_before_it_is_loaded(tmp_path, monkeypatch, name):
    """The linker looks into the current folder for what torch's packages ask for, and what it finds there runs."""
    monkeypatch.chdir(tmp_path)
    for plain in ("models/libcuda.so.1", "lib/x.so", "librarian.txt", "x86_64/notes.txt"):
        Path(plain).parent.mkdir(exist_ok=True)
        Path(plain).write_text("x")
    harness.refuse_libraries()
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).symlink_to("models/libcuda.so.1")
    with pytest.raises(harness.ScriptError, match="another folder") as refused:
        harness.capture_logs()
    assert refused.value.code == 3


def test_settings_of_a_package_in_the_folder_stop_a_harness(tmp_path, monkeypatch):
    """numba, which vLLM imports for some models, is told there what it writes and loads."""
    monkeypatch.chdir(tmp_path)
    Path(".numba_config.yaml").write_text("chrome_trace: x.json\n")
    with pytest.raises(harness.ScriptError, match="another folder") as refused:
        harness.capture_logs()
    assert refused.value.code == 3


def test_a_folder_is_no_model_of_the_hub_without_a_word(tmp_path, monkeypatch, capsys):
    """Its weights would be measured under the Hub's name."""
    from huggingface_hub import constants

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    for name in ("lab/model", "gpt2", "lab/model@main"):
        Path(name).parent.mkdir(exist_ok=True)
        (folder_of_weights(Path(name), [WHOLE]) / "tokenizer.json").write_text("{}")
    arguments = types.SimpleNamespace(base_model=None, model_id=None, use_chat_template=False)
    for name in ("lab/model", "gpt2", "lab/model@main"):
        arguments.model = [name]
        harness.resolve_models(arguments)
        assert f"{name} is the folder here" in capsys.readouterr().err
        for word in (f"./{name}", str(Path(name).absolute())):
            arguments.model = [word]
            assert harness.resolve_models(arguments)[0] and "folder here" not in capsys.readouterr().err
    Path("lab/model").rename("lab/step_500")
    arguments.model = ["lab/step_500"]  # as the folder of a training run, of which a sweep names many
    assert harness.resolve_models(arguments)[0] and "folder here" not in capsys.readouterr().err
    Path("lab/step_500").rename("lab/model")
    for name in ("lab--model", "gpt2"):
        (tmp_path / "cache" / f"models--{name}").mkdir(parents=True)
    for name in ("lab/model", "gpt2", "lab/model@main"):
        arguments.model = [name]
        with pytest.raises(harness.ScriptError, match=f"for the folder write ./{name}") as refused:
            harness.resolve_models(arguments)
        assert refused.value.code == 3


def test_missing_weights_are_heard_whatever_is_said_of_logs(monkeypatch):
    """A tensor that is not in the files is a random one: transformers only warns, and logs may be switched off."""
    logger = logging.getLogger("transformers.modeling_utils")
    monkeypatch.setattr(logger, "level", logging.ERROR)
    logging.disable(logging.CRITICAL)
    try:
        with harness.load_reports() as said:
            logger.warning("LOAD REPORT\nmodel.norm.weight | MISSING")
        assert logger.level == logging.ERROR and not logger.isEnabledFor(logging.WARNING)
    finally:
        logging.disable(logging.NOTSET)
    assert said == ["LOAD REPORT\nmodel.norm.weight | MISSING"]
