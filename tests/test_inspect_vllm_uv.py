"""inspect_vllm_uv.py without inspect, torch and vLLM: refusals, plans, what is sent, and how a server is kept."""

import asyncio
import contextlib
import http.server
import json
import os
import py_compile
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import inspect_vllm_uv as script
import pytest
from hypothesis import given
from hypothesis import strategies as st

CHECKPOINT = Path(__file__).resolve().parent.parent / "examples" / "tiny_run" / "checkpoints" / "step_500"
FOUND = {
    "exact": 3,
    "lacking": None,
    "summed": 0,
    "unread": [],
    "wrong": [],
    "inexact": [],
    "broken": None,
    "rest": "",
    "dtype": "f",
}


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """A folder on the path with what the script reads of the harness without importing it."""
    folder = tmp_path / "packages"
    root = folder / "inspect_evals"
    (root / "gsm8k").mkdir(parents=True)
    (root / "__init__.py").write_text("raise RuntimeError('imported')")
    (root / "_registry.py").write_text("from inspect_evals.gsm8k import gsm8k\n")
    (root / "gsm8k/eval.yaml").write_text("tasks:\n  - name: gsm8k\n    dataset_samples: 1319\n")
    versions = {"inspect_ai": "0.3.285", "inspect_evals": "0.26.0", "transformers": "5.19.0", "torch": "2.13.0"}
    for name, version in versions.items():
        info = folder / f"{name}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: {version}\n")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.chdir(tmp_path)
    return folder


def run(capsys, *words: str) -> tuple[int, str, str]:
    code = script.main(list(words))
    out, err = capsys.readouterr()
    return code, out, err


def settings(**changes) -> script.Settings:
    words = ["--model", "m", "--task", "t", "--backend", "vllm"]
    args = script.build_parser().parse_args(words)
    return script.replace(
        script.Settings(
            **{name: getattr(args, name) for name in vars(args) if name in script.Settings.__dataclass_fields__}
            | {"versions": {}, "command": "c", "max_connections": 1, "seed": 1234}
        ),
        **changes,
    )


# --- the command line ---


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--backend", "hf", "--tensor-parallel-size", "2"], "a setting of --backend vllm"),
        (["--backend", "hf", "--data-parallel-size", "2"], "a setting of --backend vllm"),
        (["--backend", "hf", "--gpu-memory-utilization", "0.5"], "a setting of --backend vllm"),
        (["--backend", "hf", "--max-model-len", "512"], "a setting of --backend vllm"),
        (["--backend", "vllm", "--device", "mps"], "use --backend hf"),
        (["--backend", "hf", "--batch-size", "4"], "--max-connections"),
        (["--backend", "hf", "--custom-tasks", "x.py"], "file.py@task"),
        (["--backend", "hf", "--provider", "p"], "inspect_eval_uv.py"),
        (["--backend", "hf", "--limit", "0"], "at least 1"),
        (["--backend", "vllm", "--gpu-memory-utilization", "1.5"], "between 0 and 1"),
        (["--backend", "hf", "--temperature", "0", "--repeats", "3"], "add --temperature"),
        (["--backend", "hf", "--temperature", "-1"], "between 0"),
    ],
)
def test_a_flag_without_effect_is_refused_with_its_reason(capsys, words, said):
    code, out, err = run(capsys, "--model", "m", "--task", "gsm8k", *words)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


def test_no_vllm_and_no_gpu_says_what_runs_here(capsys, packages, monkeypatch):
    monkeypatch.setenv("PATH", "")
    code, out, err = run(capsys, "--model", str(CHECKPOINT), "--task", "gsm8k", "--backend", "vllm")
    assert (code, out) == (2, "")
    assert "use --backend hf" in err


def test_a_missing_chat_template_is_refused(capsys, packages):
    words = ("--model", str(CHECKPOINT), "--task", "gsm8k", "--backend", "hf", "--use-chat-template")
    code, out, err = run(capsys, *words)
    assert (code, out) == (2, "")
    assert "no chat template" in err


def test_an_unknown_task_is_refused_with_the_nearest(capsys, packages):
    code, out, err = run(capsys, "--model", str(CHECKPOINT), "--task", "gsm9k", "--backend", "hf")
    assert (code, out) == (2, "")
    assert "gsm8k" in err


def test_the_plan_loads_nothing_and_shows_the_memory(capsys, packages):
    words = ("--model", str(CHECKPOINT), "--task", "gsm8k", "--backend", "hf", "--limit", "5", "--dtype", "float32")
    code, out, err = run(capsys, *words, "--dry-run", "--json")
    assert code == 0, err
    plan = json.loads(out)
    (model,) = plan["models"]
    parameters = 259 * 96 + 4 * (2 * 96 + 4 * 96 * 96 + 3 * 96 * 192) + 96
    assert model["weights_bytes"] == 4 * parameters
    assert model["cache_bytes_per_token"] == 2 * 4 * 3 * 32 * 4  # keys and values, layers, heads, head size, bytes
    assert plan["tasks"][0]["requests"] == 5
    assert plan["versions"]["transformers"] == "5.19.0"
    assert (plan["to_run"], plan["finished"]) == (1, 0)
    assert "inspect_ai" not in sys.modules
    assert "torch" not in sys.modules


def test_the_plan_of_several_gpus_says_that_it_is_untested(capsys, packages):
    words = ("--model", str(CHECKPOINT), "--task", "gsm8k", "--backend", "vllm", "--tensor-parallel-size", "4")
    code, out, _ = run(capsys, *words, "--data-parallel-size", "2", "--dry-run")
    assert code == 0
    assert "8 GPUs: tensor parallel 4, data parallel 2" in out
    assert "has not been tested" in out


def test_settings_that_change_speed_alone_keep_the_key():
    base = settings().key
    assert settings(max_connections=7, gpu_memory_utilization=0.5, tensor_parallel_size=2).key == base
    for change in ({"temperature": 0.5}, {"use_chat_template": True}, {"max_tokens": 9}, {"dtype": "bfloat16"}):
        assert settings(**change).key != base


# --- what is sent ---


def test_parts_of_fused_tensors():
    packed = {"qkv_proj": ["q_proj", "k_proj", "v_proj"]}
    assert script.file_names("l.0.qkv_proj.weight", packed) == [f"l.0.{part}_proj.weight" for part in "qkv"]
    assert script.file_names("l.0.norm.weight", packed) == ["l.0.norm.weight"]


@given(st.text(alphabet="ab\n", max_size=12), st.lists(st.text(alphabet="ab\n", min_size=1, max_size=3), max_size=3))
def test_an_answer_ends_at_the_first_stop_sequence(text, stops):
    kept, stopped = script.cut_at_stop(text, stops)
    assert text.startswith(kept)
    assert not any(stop in kept for stop in stops)
    assert stopped == any(stop in text for stop in stops)
    if stopped:
        assert any(text[len(kept) :].startswith(stop) for stop in stops)


class Letters:
    """A tokenizer of single letters; token 0 ends texts."""

    pad_token_id = 0

    def decode(self, tokens, **options):
        return "".join(chr(token) for token in tokens if token)


def asked(limit, *stops):
    return script.Queued([1], limit, script.Sampling(0.0, None, None, stops), None)


@pytest.mark.parametrize(
    ("text", "row", "said"),
    [
        ("ab\0\0\0", asked(5), script.Said("ab", 3, False)),  # its own end, then padding
        ("abcde", asked(5), script.Said("abcde", 5, True)),  # the limit
        ("abcde", asked(3), script.Said("abc", 3, True)),  # its limit, in a batch of a longer one
        ("ab.de", asked(5, "."), script.Said("ab", 5, False)),  # a stop sequence
        ("abcd\0", asked(5), script.Said("abcd", 5, False)),  # the end is the last token
    ],
)
def test_an_answer_of_a_batch_ends_where_it_ends(text, row, said):
    assert script.one_answer(Letters(), row, list(map(ord, text)), {0}) == said


def test_the_log_gets_the_text_that_was_sent():
    first = {"role": "user", "content": "two", "source": "input"}
    last = {"role": "assistant", "content": "three", "source": "generate"}
    tools = [first, last, {"role": "tool", "content": "x"}, last]
    log = {
        "plan": {"config": {"system_message": "one", "temperature": 0.0}},
        "samples": [{"id": 1, "messages": [first, last]}, {"id": 2, "messages": tools}],
    }
    sent = script.log_as_sent(log, script.plain_prompt)
    assert script.prompt_text(script.asked_messages(sent["samples"][0]["messages"]), None) == "one\n\ntwo"
    assert sent["samples"][0]["messages"][1:] == [last]
    assert sent["samples"][1]["messages"] == tools
    assert sent["plan"]["config"] == {"temperature": 0.0}
    assert log["plan"]["config"]["system_message"] == "one"


# --- the server ---

OUT_OF_MEMORY = """\
(EngineCore pid=12) ERROR 11-21 12:11:00 [core.py:1750] Traceback (most recent call last):
(EngineCore pid=12) ERROR 11-21 12:11:00 [core.py:1750] ValueError: No available memory for the cache blocks. Try \
increasing `gpu_memory_utilization` when initializing the engine.
(APIServer pid=11) RuntimeError: Engine core initialization failed. See root cause above.
"""


@pytest.mark.parametrize(
    ("log", "said"),
    [
        (OUT_OF_MEMORY, "--gpu-memory-utilization"),
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB", "--max-model-len"),
        ("ValueError: Model architectures ['FooForCausalLM'] are not supported for now.", "--backend hf"),
        ("model type `foo` but Transformers does not recognize this architecture", "--backend hf"),
        ("Please pass the argument `trust_remote_code=True` to allow custom code", "--trust-remote-code"),
        ("RuntimeError: Failed to infer device type, please set", "no GPU that this build of vLLM can use"),
        ("x\n(APIServer pid=1) OSError: [Errno 28] No space left on device\n", "OSError: [Errno 28] No space left"),
        ("", "without saying why"),
    ],
)
def test_a_server_that_does_not_start_names_what_to_try(log, said):
    text = script.explain_server(log)
    assert said in text
    assert "pid=" not in text


def test_what_a_server_says_while_all_is_well_is_no_reason():
    log = "(EngineCore pid=1) INFO 11-21 core.py: config: trust_remote_code=False, out of memory: never\n"
    assert script.explain_server(log) == "vLLM ended without saying why"
    said = script.explain_server(log + "(EngineCore pid=1) ERROR 11-21 12:00:00 [core.py:1] KeyError: 'layers.0'")
    assert "KeyError: 'layers.0'" in said
    assert "trust" not in said


def test_messages_of_the_user_in_a_row_are_sent_as_one():
    rows = [{"role": role, "content": text} for role, text in (("system", "a"), ("user", "b"), ("user", "c"))]
    assert script.plain_prompt(rows) == "a\n\nb\nc"


def test_nothing_secret_is_in_an_argument_list_and_no_token_goes_to_the_server(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "secret-of-the-user")
    monkeypatch.setattr(script, "vllm_on_cpu", lambda: True)
    words = script.server_command(CHECKPOINT, {}, "engine-1", 8000, tmp_path, True, settings())
    assert words[words.index("--host") + 1] == "127.0.0.1"
    assert not any("key" in word for word in words)
    environment = script.server_environment(tmp_path, "the-key", True, settings())
    assert environment["VLLM_API_KEY"] == "the-key"
    assert "secret-of-the-user" not in environment.values()
    with_code = script.server_environment(tmp_path, "k", True, settings(trust_remote_code=True))
    assert "secret-of-the-user" not in with_code.values() and with_code["HF_HUB_DISABLE_IMPLICIT_TOKEN"] == "1"
    assert (
        script.server_environment(tmp_path, "k", True, settings(gpu_memory_utilization=0.3))
        .keys()
        .isdisjoint({"VLLM_CPU_KVCACHE_SPACE"})
    )


@pytest.mark.parametrize(("said", "status"), [(b"Bearer right", 200), (b"Bearer wrong", 401), (b"", 401)])
def test_every_address_of_the_server_needs_the_key(monkeypatch, said, status):
    monkeypatch.setenv("VLLM_API_KEY", "right")
    seen = []

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(message):
        seen.append(message)

    scope = {"type": "http", "path": "/collective_rpc", "headers": [(b"authorization", said)] if said else []}
    asyncio.run(script.Guard(app)(scope, None, send))
    assert seen[0]["status"] == status


KEEPER = """
import subprocess, sys, time
command = [sys.executable, "-c", "import subprocess, sys, time; "
           "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); "
           "print(child.pid, flush=True); time.sleep(600)"]
keeper = [sys.executable, "-c", "import inspect_vllm_uv as script; script.keep_server()"]
running = subprocess.Popen([*keeper, *command], stdin=subprocess.PIPE, stdout=sys.stdout, start_new_session=True)
print(running.pid, flush=True)
time.sleep(600)
"""


def is_alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked up in /proc")
def test_a_server_and_its_children_end_with_a_script_that_is_killed(tmp_path):
    copy = tmp_path / "inspect_vllm_uv.py"  # the keeper removes the folder that it lies in
    copy.write_bytes(Path(script.__file__).read_bytes())
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    words = [sys.executable, "-c", textwrap.dedent(KEEPER)]
    running = subprocess.Popen(words, stdout=subprocess.PIPE, env=environment, text=True)
    pids = [int(running.stdout.readline()) for _ in range(2)]
    assert all(map(is_alive, pids))
    running.send_signal(signal.SIGKILL)
    running.wait()
    until = time.monotonic() + 30
    while (any(map(is_alive, pids)) or copy.exists()) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(map(is_alive, pids))
    assert not copy.exists()
    running.stdout.close()


class Worker(http.server.BaseHTTPRequestHandler):
    """A server that says of its weights what the test wants."""

    says: ClassVar[dict] = {}
    asked: ClassVar[list] = []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"] or 0)) if self.headers["Content-Length"] else b"{}"
        method = json.loads(body or b"{}").get("method", self.path)
        type(self).asked.append(method)
        text = json.dumps({"success": True} if "cache" in method else {"results": [type(self).says]}).encode()
        self.send_response(200 if self.headers["Authorization"] == "Bearer k" else 401)
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *words):
        pass


@pytest.fixture
def server(monkeypatch):
    """A VllmServer whose process is the Worker, just started."""
    worker = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Worker)
    threading.Thread(target=worker.serve_forever, daemon=True).start()
    monkeypatch.setattr(script.VllmServer, "start", lambda self, folder: None)
    monkeypatch.setattr(script, "vllm_on_cpu", lambda: True)
    monkeypatch.setattr(Worker, "asked", [])
    made = script.VllmServer(CHECKPOINT, {}, settings())
    made.port, made.key = worker.server_port, "k"
    yield made
    made.close()
    worker.shutdown()
    worker.server_close()


def other(tmp_path: Path, name: str, **config) -> Path:
    """The checkpoint under another name, with other weights of the same shapes."""
    place = tmp_path / name
    place.mkdir()
    for path in CHECKPOINT.iterdir():
        if path.is_file():
            (place / path.name).write_bytes(path.read_bytes())
    data = bytearray((place / "model.safetensors").read_bytes())
    data[-2:] = bytes(reversed(data[-2:])) if data[-1] != data[-2] else b"\0\1"
    (place / "model.safetensors").write_bytes(data)
    text = json.loads((place / "config.json").read_text()) | config
    (place / "config.json").write_text(json.dumps(text))
    return place


def test_a_swap_is_proven_and_forgets_what_was_cached(server, tmp_path):
    Worker.says = FOUND | {"checksum": "a"}
    first = server.check(CHECKPOINT)
    Worker.says = FOUND | {"checksum": "b"}
    Worker.asked.clear()
    server.swap(other(tmp_path, "step_2"))
    assert Worker.asked == ["reload_weights", "hub_evals_refresh", "/reset_prefix_cache", "hub_evals_weights"]
    assert server.checksum != first


@pytest.mark.parametrize(
    ("says", "said"),
    [
        ({"wrong": ["model.norm.weight"]}, "other weights than the files: model.norm.weight"),
        ({"inexact": ["lm_head.weight"]}, "other weights than the files: lm_head.weight"),
        ({"exact": 0}, "cannot be read back"),
        ({"unread": ["x"]}, "cannot be read back"),
        ({"broken": "model.norm.weight"}, "no numbers"),
        ({"lacking": "layers.0.q_proj.weight"}, "layers.0.q_proj.weight is not in the files"),
    ],
)
def test_a_swap_that_is_not_proven_is_refused(server, tmp_path, says, said):
    Worker.says = FOUND | {"checksum": "a"}
    server.check(CHECKPOINT)
    Worker.says = FOUND | {"checksum": "b"} | says
    with pytest.raises(script.ScriptError, match=said):
        server.swap(other(tmp_path, "step_2"))


def test_one_tensor_of_another_model_is_refused_at_the_first_folder(server):
    Worker.says = FOUND | {"checksum": "a", "wrong": ["model.norm.weight"], "other": ["model.norm.weight"]}
    with pytest.raises(script.ScriptError, match=r"other weights than the files: model\.norm\.weight"):
        server.check(CHECKPOINT)


def test_what_an_engine_keeps_in_another_form_must_change_with_the_weights(server, tmp_path):
    Worker.says = FOUND | {"checksum": "a", "rest": "r", "inexact": ["fused"]}
    server.check(CHECKPOINT)  # trusted: it has just been loaded
    with pytest.raises(script.ScriptError, match="has kept weights"):
        server.swap(other(tmp_path, "step_2"))
    Worker.says = FOUND | {"checksum": "b", "rest": "s", "inexact": ["fused"]}
    server.swap(other(tmp_path, "step_3"))


def test_the_same_weights_must_give_the_same_checksum(server):
    Worker.says = FOUND | {"checksum": "a"}
    server.check(CHECKPOINT)
    Worker.says = FOUND | {"checksum": "b"}
    with pytest.raises(script.ScriptError, match="another checksum"):
        server.swap(CHECKPOINT)


def test_another_configuration_is_never_swapped_in(server, tmp_path):
    Worker.says = FOUND | {"checksum": "a"}
    server.check(CHECKPOINT)
    Worker.asked.clear()
    with pytest.raises(script.ScriptError, match=r"config.json has another rms_norm_eps"):
        server.swap(other(tmp_path, "step_2", rms_norm_eps=1e-5))
    assert Worker.asked == []


def test_a_wrong_key_is_refused(server):
    server.key = "other"
    with pytest.raises(script.ScriptError, match="refused"):
        server.ask("POST", "/collective_rpc", {"method": "x"})


STALE = py_compile.PycInvalidationMode.UNCHECKED_HASH  # what it says counts, whatever became of the source


def test_what_runs_of_a_task_file_is_its_source_and_not_an_old_compiled_file(tmp_path, monkeypatch):
    helper = f"helper_{tmp_path.name}"
    files = {"mine.py": f"import {helper}\n\n\ndef one():\n    return 'VALUE', {helper}.one()\n"}
    files |= {f"{helper}.py": "def one():\n    return 'VALUE'\n"}
    for name, text in files.items():
        (tmp_path / name).write_text(text.replace("VALUE", "old"))
        py_compile.compile(str(tmp_path / name), doraise=True, invalidation_mode=STALE)
        (tmp_path / name).write_text(text.replace("VALUE", "new"))
    cached = sorted((tmp_path / "__pycache__").iterdir())
    before = {path: path.read_bytes() for path in cached}
    monkeypatch.setattr(script, "registered_name", lambda value: getattr(value, "__name__", None))
    monkeypatch.setattr(sys, "path", [*sys.path])
    state = sys.pycache_prefix, sys.dont_write_bytecode
    request = script.RequestedTask("one", "one", file=tmp_path / "mine.py")
    assert len(cached) == 2 and script.load_from_file(request) == ("new", "new")
    assert (sys.pycache_prefix, sys.dont_write_bytecode) == state
    assert {path: path.read_bytes() for path in (tmp_path / "__pycache__").iterdir()} == before


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("data:image/png;base64,AAAA", True),
        ("OWN/pictures/a.png", True),
        ("file:OWN/pictures/a.png", True),
        ("deep", True),
        ("std::vector<int> a; // see https://example.org", True),
        ("CACHE/datasets--a--b/blobs/1", True),
        ("what the file holds\nover lines: https://example.org", True),
        ("no such file", True),
        ("HOME/token", False),
        ("~/.ssh/id_ed25519", False),
        ("../secret.png", False),
        ("OWN/pictures/out.png", False),  # a link
        ("http://169.254.169.254/latest", False),
        ("file:///etc/hostname", False),
        ("simplecache::s3://bucket/x", False),
        ("file:HOME/token", False),
        ("local:HOME/token", False),
        ("local:~/.ssh/id_ed25519", False),
        ("local://HOME/token", False),
        ("HOME/token::x", False),
        ("a b::file:HOME/token", False),
        ("/x y::s3://bucket/x", False),
        ("ENDPOINT/a::file:HOME/token", False),
        ("file:../secret.png", False),
        ("deep/../../secret.png", False),
        ("folder", False),  # with a link out of it
        ("../secret.png::", False),
    ],
)
@pytest.mark.parametrize("stands", ["in the task's folder", "in another folder"])
@pytest.mark.parametrize("way", ["image", "document", "file", "script"])
def test_rows_of_data_show_a_model_no_file_of_this_machine(tmp_path, monkeypatch, value, shown, way, stands):
    """inspect opens what a row calls its picture, and copies what it calls a file to where the model's program runs."""
    from huggingface_hub import constants

    own, home = tmp_path / "own", tmp_path / "hf"
    for file in ("own/pictures/a.png", "hf/hub/datasets--a--b/blobs/1", "hf/token", "secret.png", ".ssh/id_ed25519"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("x")
    (own / "pictures" / "out.png").symlink_to(tmp_path / "secret.png")
    (own / "deep" / "stand").mkdir(parents=True)
    (own / "folder").mkdir()
    (own / "folder" / "inner").symlink_to(tmp_path / "secret.png")
    monkeypatch.setattr(constants, "HF_HOME", str(home))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(home / "hub"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(own / "deep" / "stand" if stands == "in another folder" else own)
    text = value.replace("ENDPOINT", constants.ENDPOINT)
    text = text.replace("OWN", str(own)).replace("CACHE", str(home / "hub")).replace("HOME", str(home))
    part = SimpleNamespace(type=way, **{way: text})
    turn = SimpleNamespace(content=[SimpleNamespace(type="text", text="~/.ssh"), part])
    sample = SimpleNamespace(id="1", input=[turn], files={})
    if way == "file":
        sample = SimpleNamespace(id="1", input="~/.ssh/id_ed25519", files={"data/a": text})
    if way == "script":
        sample = SimpleNamespace(id="1", input="~/.ssh/id_ed25519", files=None, setup=text)
    request = script.RequestedTask("one", "one", file=own / "mine.py")
    if shown:
        script.refuse_files_elsewhere(request, [sample])
        return
    with pytest.raises(script.ScriptError, match="item 1 of its data names") as caught:
        script.refuse_files_elsewhere(request, [sample])
    assert caught.value.code == 3
