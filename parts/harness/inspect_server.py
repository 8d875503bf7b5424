"""One vLLM server for inspect: started, watched, its weights replaced and proved."""

from __future__ import annotations

import collections
import contextlib
import functools
import json
import os
import re
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from parts.checkpoints import weight_files
from parts.engines.adapters import adapter_in_engine, adapter_options, adapter_proof, probe_tokens, put_on, swap_in
from parts.engines.device import vllm_on_cpu, vllm_version
from parts.engines.layout import layout_difference, read_layout
from parts.engines.proof import Proof, refresh_packed, weights_in_engine
from parts.engines.transformers import check_unchanged
from parts.engines.vllm import vllm_options
from parts.frame import LOG_LINES, ScriptError
from parts.harness.inspect_prompts import PLAIN_TEMPLATE, plain_prompt, rendered_prompt
from parts.harness.inspect_run import separate_reasoning
from parts.harness.inspect_vocabulary import SERVER_PROVIDER, EngineError
from parts.harness.models import downloaded
from parts.harness.settings import Settings
from parts.harness.vocabulary import CPU_CACHE_GB, Engine, Model
from parts.outgoing import SECRET_VARIABLE
from parts.private import scrub, shown_path

SIDE_MODULE = "hub_evals_engine"  # this file under the name by which vLLM imports it
STARTUP_SECONDS = 3600
SHUTDOWN_SECONDS = 5

# What vLLM's log says -> what to try.
SERVER_ADVICE = (
    (
        r"out of memory|free memory on device|no available memory for the cache|larger than the (?:maximum|available)"
        r"|less than desired GPU memory|not enough memory|available memory .* is less|KV cache is needed",
        "out of memory: lower --max-model-len, raise or lower --gpu-memory-utilization (the share of the memory that "
        "vLLM may take), add GPUs (--tensor-parallel-size), or take larger hardware",
    ),
    (
        r"architectures? .* (?:are|is) not supported|no vLLM implementation|not recognize this architecture",
        "vLLM does not know this model's architecture: use --backend hf",
    ),
    (
        r"pass the (?:argument|option) `?-{0,2}trust[_-]remote[_-]code|contains custom code",
        "the model brings its own code: read it, then add --trust-remote-code",
    ),
    (
        r"failed to infer device type|no CUDA GPUs are available|found no NVIDIA driver",
        "no GPU that this build of vLLM can use: use --backend hf, or send it to Hugging Face Jobs",
    ),
    (
        r"must be divisible by tensor parallel size|world size .* is larger than|not divisible by",
        "this number of GPUs does not fit: choose another --tensor-parallel-size or --data-parallel-size",
    ),
    (r"max_model_len .* is greater than", "--max-model-len is longer than the model's context: leave it out"),
    (r"GatedRepo|gated repo", "gated: accept the terms on its page on the Hub and set HF_TOKEN"),
)
LOG_CHATTER = r"(?:\((?:\w+ ?)*[\w-]* ?pid=\d+\) )?(?:INFO|WARNING|DEBUG)\b"
LOG_PREFIX = r"^\((?:[\w-]+ )*pid=\d+\) (?:[A-Z]+ [\d: .-]+\[[\w.]+:\d+\] ?)?"


def advised(text: str, advice: Sequence[tuple[str, str]]) -> str | None:
    """What to try about an error, with the line that says it; None when nothing is known about it."""
    for pattern, hint in advice:
        found = re.search(pattern, text, re.IGNORECASE)
        if found:
            line = text[text.rfind("\n", 0, found.start()) + 1 :].split("\n", 1)[0]
            return f"{hint} ({scrub(re.sub(LOG_PREFIX, '', line)).strip()[:200]})"
    return None


def explain_server(log: str) -> str:
    """Why a server of vLLM did not start or broke, from its log, with what to try."""
    log = "\n".join(line for line in log.splitlines() if not re.match(LOG_CHATTER, line))
    errors = re.findall(r"^(?:.*\s)?([A-Za-z_.]*(?:Error|Exception): .+)$", log, re.MULTILINE)
    said = f"vLLM did not run: {scrub(errors[-1])[:300]}" if errors else "vLLM ended without saying why"
    return advised(log, SERVER_ADVICE) or said


class Witness:
    """What vLLM's workers get added (--worker-extension-cls): they tell which weights they hold."""

    def hub_evals_weights(self, files: list[str]) -> dict[str, Any]:
        return weights_in_engine(self.get_model(), files)  # the worker's own

    def hub_evals_adapter(self, folder: str) -> dict[str, Any]:
        return adapter_in_engine(self.get_model(), folder)

    def hub_evals_refresh(self) -> None:
        refresh_packed(self.get_model())


class Guard:
    """Refuses every request without the key (--middleware): vLLM itself leaves the development endpoints open."""

    def __init__(self, app: Any) -> None:
        self.app, self.key = app, os.environ["VLLM_API_KEY"]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        said = dict(scope.get("headers") or []).get(b"authorization", b"")
        if scope["type"] == "lifespan" or secrets.compare_digest(said, b"Bearer " + self.key.encode()):
            return await self.app(scope, receive, send)
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 401, "headers": []})
            await send({"type": "http.response.body", "body": b""})
        else:
            await send({"type": "websocket.close", "code": 1008})


def keep_server() -> None:
    """Run the command in sys.argv[1:], and end it with all its children when standard input ends: the script is gone.

    This is a process of its own, the head of the server's process group, so that nothing is left when the script is
    killed: the system closes the pipe then.
    """
    script = os.getppid()
    signal.signal(signal.SIGTERM, lambda *_: None)  # sent to the whole group below; this process ends last
    server = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
    while server.poll() is None and not select.select([sys.stdin], [], [], 0.5)[0]:
        pass
    os.killpg(0, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        server.wait(SHUTDOWN_SECONDS)
    if os.getppid() != script:
        shutil.rmtree(Path(__file__).parent, ignore_errors=True)
    os.killpg(0, signal.SIGKILL)


def reserved_port() -> socket.socket:
    """A socket that holds a free port of the loopback interface until the server has taken it.

    Without it another program may get the port in the seconds before the server asks for it. The server may bind
    to it because both set SO_REUSEADDR and this one never listens.
    """
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    return held


def server_environment(place: Path, key: str, on_cpu: bool, settings: Settings) -> dict[str, str]:
    """The environment of a server; tokens are not handed on, its own key is not in an argument list."""
    kept = {name: value for name, value in os.environ.items() if not SECRET_VARIABLE.search(name)}
    path = os.pathsep.join(part for part in (str(place), os.environ.get("PYTHONPATH")) if part)
    kept |= {"PYTHONPATH": path, "VLLM_API_KEY": key, "VLLM_SERVER_DEV_MODE": "1", "VLLM_NO_USAGE_STATS": "1"}
    kept["VLLM_ALLOW_RUNTIME_LORA_UPDATING"] = "1"  # asked for with the key alone
    kept["HF_HUB_DISABLE_IMPLICIT_TOKEN"] = "1"  # nor is the login's: a model's own code may run there
    if not settings.trust_remote_code:
        kept["HF_HUB_OFFLINE"] = "1"  # all files are here
    if on_cpu:
        # One process for engine and worker starts faster, and uses all cores.
        kept = {"OMP_NUM_THREADS": str(os.cpu_count() or 1)} | kept | {"VLLM_ENABLE_V1_MULTIPROCESSING": "0"}
        if settings.gpu_memory_utilization is None:
            kept = {"VLLM_CPU_KVCACHE_SPACE": CPU_CACHE_GB} | kept
    elif settings.device.startswith("cuda:"):
        kept["CUDA_VISIBLE_DEVICES"] = settings.device.removeprefix("cuda:")
    return kept


def server_command(
    folder: Path, adapters: Mapping[str, Any], name: str, port: int, place: Path, on_cpu: bool, settings: Settings
) -> list[str]:
    """The command line of a server, with options for adapters; nothing in it is secret."""
    options: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": port,
        "served-model-name": name,
        "generation-config": "vllm",  # a checkpoint's own sampling settings would change what is measured
        "worker-extension-cls": f"{SIDE_MODULE}.Witness",
        "middleware": f"{SIDE_MODULE}.Guard",
        "data-parallel-size": settings.data_parallel_size,
        "enable-prefix-caching": True,
        "disable-uvicorn-access-log": True,
    }
    more = vllm_options(folder, settings, on_cpu) | adapters
    options |= {name.replace("_", "-"): value for name, value in more.items()}
    if not settings.use_chat_template:
        options |= {"chat-template": place / "plain.jinja", "chat-template-content-format": "string"}
    if on_cpu and (settings.tensor_parallel_size or 1) == 1:
        options["distributed-executor-backend"] = "uni"
    given = [(f"--{flag}", value) for flag, value in options.items() if value not in (None, False)]
    values = [(flag, [] if value is True else value if isinstance(value, list) else [value]) for flag, value in given]
    words = [str(word) for flag, several in values for word in (flag, *several)]
    return [sys.executable, "-m", "vllm.entrypoints.cli.main", "serve", str(folder), *words]


class VllmServer:
    """`vllm serve` on the loopback interface with one model, whose weights can be replaced by another checkpoint's.

    `adapters`: options for adapters. Raises ScriptError when it does not start, or when weights
    are not those of the files.
    """

    def __init__(self, folder: Path, adapters: Mapping[str, Any], settings: Settings) -> None:
        self.folder, self.layout, self.settings, self.options = folder, read_layout(folder), settings, adapters
        self.adapters, self.plain = 0, []
        self.on_cpu = vllm_on_cpu()
        self.name, self.key = f"engine-{uuid.uuid4().hex[:8]}", secrets.token_urlsafe(24)
        self.place = Path(tempfile.mkdtemp(prefix="hub-evals-"))
        self.log = self.place / "server.log"
        self.port, self.reserved, self.keeper = 0, None, None
        self.proof = Proof()
        self.direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # never through a proxy
        try:
            shutil.copyfile(__file__, self.place / f"{SIDE_MODULE}.py")
            (self.place / "plain.jinja").write_text(PLAIN_TEMPLATE, encoding="utf-8")
            self.start(folder)
        except BaseException:
            self.close()
            raise

    def start(self, folder: Path) -> None:
        """Start the process; `ready` waits for it."""
        self.reserved = reserved_port()
        self.port = self.reserved.getsockname()[1]
        command = server_command(folder, self.options, self.name, self.port, self.place, self.on_cpu, self.settings)
        keeper = [sys.executable, "-c", f"import {SIDE_MODULE}; {SIDE_MODULE}.keep_server()"]
        environment = server_environment(self.place, self.key, self.on_cpu, self.settings)
        with self.log.open("wb") as log:
            self.keeper = subprocess.Popen(
                [*keeper, *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=environment,
                cwd=self.place,  # not the user's folder: Python would import from it
                start_new_session=True,
            )

    def ready(self, folder: Path) -> None:
        """Wait until the server answers, and see that it holds the weights of a folder."""
        began = time.monotonic()
        while True:
            if not self.alive:
                raise EngineError(explain_server(self.said()), self.last_lines())
            if time.monotonic() - began > STARTUP_SECONDS:
                raise EngineError(f"vLLM did not start within {STARTUP_SECONDS // 60} minutes", self.last_lines())
            with contextlib.suppress(OSError):
                self.ask("GET", "/health", timeout=5)
                break
            time.sleep(0.1)
        self.reserved.close()
        self.checksum, self.text = self.check(folder), self.proof.text

    @property
    def alive(self) -> bool:
        return self.keeper is not None and self.keeper.poll() is None

    @property
    def asked(self) -> str:
        """The name under which it is asked: its own, or that of the adapter."""
        return f"adapter-{self.adapters}" if self.adapters else self.name

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def context(self) -> int:
        """The most tokens of a prompt and its answer together."""
        return int(self.ask("GET", "/v1/models")["data"][0]["max_model_len"])

    def said(self) -> str:
        """The end of the server's log, without the place of the model on this machine."""
        try:
            text = self.log.read_bytes()[-200_000:].decode(errors="replace")
        except OSError:
            return ""
        return text.replace(str(self.folder), shown_path(self.folder))

    def last_lines(self) -> list[str]:
        return [scrub(line)[:500] for line in self.said().splitlines()[-LOG_LINES:]]

    def ask(self, method: str, path: str, body: Any = None, timeout: float | None = None) -> Any:
        """One request; OSError when the server does not answer, ScriptError when it says no."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with self.direct.open(request, timeout=timeout) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            raise ScriptError(f"vLLM refused {path}: {scrub(error.read().decode(errors='replace'))[:300]}") from error
        return json.loads(text) if text[:1] in (b"{", b"[") else None  # or a sentence

    def swap(self, folder: Path) -> None:
        """Replace the weights by those in a folder of the same layout; after an error the engine is of no use."""
        difference = layout_difference(self.layout, read_layout(folder))
        if difference:
            raise ScriptError(difference)
        body = {"method": "reload_weights", "kwargs": {"weights_path": str(folder)}}
        self.ask("POST", "/collective_rpc", body)
        self.ask("POST", "/collective_rpc", {"method": "hub_evals_refresh"})
        self.checksum, self.text = self.check(folder), self.proof.text

    def put_on(self, folder: Path) -> None:
        """Answer with an adapter from now on, in the place of the last one, and prove it."""
        self.plain = self.plain or self.probed()
        self.adapters += 1
        self.ask("POST", "/v1/load_lora_adapter", {"lora_name": self.asked, "lora_path": str(folder)})
        body = {"method": "hub_evals_adapter", "args": [str(folder)]}
        found = self.ask("POST", "/collective_rpc", body)["results"]
        self.checksum, self.text = adapter_proof(found, self.probed(), self.plain)

    def probed(self) -> list[float]:
        """The log-likelihoods of a text."""
        config = self.layout.config
        tokens = probe_tokens(config.get("vocab_size") or config["text_config"]["vocab_size"])
        body = {"model": self.asked, "prompt": tokens, "max_tokens": 1, "temperature": 0, "prompt_logprobs": 0}
        places = self.ask("POST", "/v1/completions", body)["choices"][0]["prompt_logprobs"]
        return [place[str(token)]["logprob"] for token, place in zip(tokens[1:], places[1:], strict=True)]

    def check(self, folder: Path) -> str:
        """Prove that the engine holds a folder's weights, forget what it computed with others; their checksum."""
        self.forget()
        files = [str(path) for path in weight_files(folder) if path.suffix == ".safetensors"]
        found = self.ask("POST", "/collective_rpc", {"method": "hub_evals_weights", "args": [files]})["results"]
        return self.proof.see(folder, found)

    def forget(self) -> None:
        """Empty the prefix cache: what is in it belongs to the weights that computed it."""
        for _ in range(50):
            if self.ask("POST", "/reset_prefix_cache")["success"]:
                return
            time.sleep(0.1)  # the last requests give their memory back
        raise ScriptError("the engine's prefix cache could not be emptied")

    def close(self) -> None:
        """End the server and what belongs to it."""
        if self.keeper is not None:
            with contextlib.suppress(OSError):
                self.keeper.stdin.close()  # the keeper ends its group
            try:
                self.keeper.wait(2 * SHUTDOWN_SECONDS)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(OSError):
                    os.killpg(self.keeper.pid, signal.SIGKILL)
        if self.reserved is not None:
            self.reserved.close()
        shutil.rmtree(self.place, ignore_errors=True)


@functools.cache
def server_provider() -> type:
    """inspect's vllm provider for a server of this script: limits that fit, no item answered by an error message."""
    from inspect_ai.model import ModelOutput, modelapi
    from inspect_ai.model._providers.vllm import VLLMAPI

    @modelapi(name=SERVER_PROVIDER)
    class ServerAPI(VLLMAPI):
        def __init__(self, model_name: str, server: VllmServer, plain: bool, **more: Any) -> None:
            more |= {"base_url": f"{server.url}/v1", "api_key": server.key}
            super().__init__(server.asked, lazy_init=False, **more)
            self.model_name = model_name  # in inspect's log; `server.asked` is what the server is asked for
            self.context, self.plain = server.context, plain
            self.times: collections.Counter[str] = collections.Counter()

        async def generate(self, input: Any, tools: Any, tool_choice: Any, config: Any) -> Any:
            changes: dict[str, Any] = {}
            if config.max_tokens is not None:
                changes["max_tokens"] = min(config.max_tokens, self.context - 1)
            if config.temperature and config.seed is not None:
                # The repeats of an item are asked with seeds of their own: the same seed gives the same answer.
                text = json.dumps([message.model_dump(include={"role", "content"}) for message in input])
                changes["seed"] = config.seed + self.times[text]
                self.times[text] += 1
            if self.plain:
                changes["extra_body"] = {**(config.extra_body or {}), "add_special_tokens": True}
            return await super().generate(input, tools, tool_choice, config.model_copy(update=changes))

        def handle_bad_request(self, ex: Any) -> Any:
            answer = super().handle_bad_request(ex)
            if isinstance(answer, ModelOutput) and answer.stop_reason == "model_length":
                return RuntimeError(f"the prompt does not fit the model's context of {self.context} tokens: {ex}")
            return answer

    return ServerAPI


class ServedByVllm:
    """One server of vLLM; the weights of the next checkpoint are loaded into it."""

    advice = SERVER_ADVICE

    def __init__(self, model: Model, settings: Settings) -> None:
        self.holds, adapters = model.base or model, adapter_options(model)
        folder = downloaded(self.holds)
        self.settings, self.folder = settings, folder
        self.server = VllmServer(folder, adapters, settings)
        try:
            server_provider()  # imported while the server starts
            self.server.ready(folder)
            check_unchanged(self.holds, folder)
            put_on(self.server, model)
        except BaseException as error:
            self.close()
            if isinstance(error, OSError):
                raise ScriptError(f"vLLM did not answer: {error}") from error
            raise

    @property
    def loaded(self) -> Engine:
        """How the model really runs."""
        proof, device = self.server.proof, "cpu" if self.server.on_cpu else "cuda"
        dtype, sums = proof.found[0]["dtype"], self.server.checksum
        return Engine(self.server, dtype, device, "continuous", "vllm", vllm_version(), sums, self.server.text)

    def swap(self, model: Model) -> None:
        """Replace the weights, or the adapter; after an error the engine is of no use."""
        self.holds = swap_in(self.server, model, self.holds)
        self.folder = downloaded(self.holds)

    def opened(self, name: str) -> Any:
        """An inspect Model that asks the server."""
        from inspect_ai.model import get_model

        server_provider()
        plain = not self.settings.use_chat_template
        opened = get_model(f"{SERVER_PROVIDER}/{name}", server=self.server, plain=plain, memoize=False)
        separate_reasoning(opened, self.settings.reasoning_tags)
        return opened

    def prompt(self, messages: Sequence[Mapping[str, Any]]) -> str:
        """The text that the server makes of messages."""
        return rendered_prompt(self.tokenizer, messages) if self.settings.use_chat_template else plain_prompt(messages)

    @functools.cached_property
    def tokenizer(self) -> Any:
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(self.folder, trust_remote_code=self.settings.trust_remote_code)

    def trouble(self) -> str | None:
        """Why the server is of no use any more, or None."""
        return None if self.server.alive else explain_server(self.server.said())

    def log(self) -> list[str]:
        """The last lines of the server's log."""
        return self.server.last_lines()

    def close(self) -> None:
        self.server.close()
