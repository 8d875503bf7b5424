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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from parts.checkpoints import weight_files, weights_sha256
from parts.engines.device import choose_dtype, vllm_on_cpu, vllm_version
from parts.engines.layout import layout_difference, read_layout
from parts.engines.transformers import check_unchanged, file_names, tensor_checksum, text_sha256
from parts.frame import LOG_LINES, ScriptError
from parts.harness.inspect_local_vocabulary import SERVER_PROVIDER, Loaded
from parts.harness.inspect_prompts import PLAIN_TEMPLATE, plain_prompt, rendered_prompt
from parts.harness.inspect_run import separate_reasoning
from parts.harness.inspect_vocabulary import EngineError
from parts.harness.models import downloaded
from parts.harness.settings import Settings
from parts.harness.vocabulary import CPU_CACHE_GB, Model
from parts.private import scrub, shown_path

SIDE_MODULE = "hub_evals_engine"  # this file under the name by which vLLM imports it
STARTUP_SECONDS = 3600
SHUTDOWN_SECONDS = 5
TOKENS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "OPENAI_API_KEY")

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


def refresh_packed(model: Any) -> None:
    """Pack the weights of layers again that a CPU engine computes with a packed copy of, after they were replaced.

    vLLM packs a layer when its weights are loaded; a head that is tied to the embeddings is never loaded, and would go
    on with the weights of the checkpoint before.
    """
    for layer in model.modules():
        weight = getattr(layer, "weight", None)
        if hasattr(layer, "cpu_linear") and weight is not None and weight.numel():
            layer.quant_method.process_weights_after_loading(layer)


def packed_columns(layer: Any, weight: Any) -> Iterator[tuple[slice, Any]]:
    """The columns of the matrix that a CPU engine's layer computes with, some at a time.

    Read as what the layer makes of unit vectors: each picks one column, and 1 * w + 0 + 0 ... is exact.
    """
    import torch

    size = weight.shape[1] if weight.numel() else layer.input_size_per_partition
    for units in torch.arange(size, device=weight.device).split(256):
        rows = torch.nn.functional.one_hot(units, size).to(weight.dtype)
        yield slice(int(units[0]), int(units[-1]) + 1), layer.quant_method.apply(layer, rows, None).T


def compare_part(held: Any, wanted: Any) -> bool | None:
    """Whether an engine's tensor is that of a file; None when it has another shape (a share of the tensor)."""
    import torch

    if wanted.dim() == 0 or held.shape[1:] != wanted.shape[1:] or len(held) < len(wanted):
        return None
    # An engine may add empty rows to a vocabulary.
    return torch.equal(held[: len(wanted)].cpu(), wanted.to(held.dtype))


def file_tensor(place: Mapping[str, Any], names: Sequence[str]) -> Any | None:
    """What the files hold for a parameter of an engine, a fused one's parts put together; None when it is not there."""
    import torch

    if not all(name in place for name in names):
        return None
    parts = [place[name].get_tensor(name) for name in names]
    return torch.cat(parts) if len(parts) > 1 else parts[0]


def readings_of(layer: Any, name: str, weight: Any) -> dict[str, Iterable[tuple[slice | None, Any]]]:
    """How an engine's parameter can be read: as it is ("wrong" when it differs), and as a packed copy ("inexact")."""
    found: dict[str, Iterable[tuple[slice | None, Any]]] = {}
    if weight.numel():
        found["wrong"] = [(None, weight.detach())]
    if hasattr(layer, "cpu_linear") and name.endswith(".weight"):
        found["inexact"] = packed_columns(layer, weight)
    return found


def weights_in_engine(model: Any, files: Sequence[str]) -> dict[str, Any]:
    """Compare an engine's weights with safetensors files; runs inside the engine, on each of its workers.

    Parameters are compared with the files, fused and tied ones too, and so are the packed copies that CPU engines
    compute with. Returns `exact`: how many were read back and are what the files hold; `summed`: how many have another
    shape here (shares of a tensor) and enter the checksum only; `wrong`: names of parameters that differ; `inexact`: of
    packed copies that do; `broken`: a name whose values are no numbers; `unread`: names that cannot be read; and a
    `checksum` of all that is the same each time these weights are loaded, `rest` for those that are not exact.
    """
    import torch
    from safetensors import safe_open

    found: dict[str, Any] = {"exact": 0, "summed": 0, "unread": [], "wrong": [], "inexact": [], "broken": None}
    found["lacking"] = None  # a part of a fused tensor: vLLM loads the other parts, and says nothing
    whole, rest, first = [], [], {}
    with contextlib.ExitStack() as stack, torch.inference_mode():
        place: dict[str, Any] = {}
        for file in files:
            tensors = stack.enter_context(safe_open(file, framework="pt"))
            place |= dict.fromkeys(tensors.keys(), tensors)
        packed = getattr(model, "packed_modules_mapping", None) or {}
        for name, weight in model.named_parameters(remove_duplicate=False):
            # A tied parameter comes a second time under another name: it is in the files under its first.
            names = first.setdefault(id(weight), file_names(name, packed))
            absent = [part for part in names if part not in place] if name.endswith(".weight") else []
            if 0 < len(absent) < len(names):
                found["lacking"] = absent[0]
            wanted = file_tensor(place, names)
            if wanted is not None and not torch.isfinite(wanted).all():
                found["broken"] = name
            readings = readings_of(model.get_submodule(name.rpartition(".")[0]), name, weight)
            found["unread"] += [] if readings else [name]
            for kind, parts in readings.items():
                same, lines = [], []
                for columns, held in parts:
                    lines.append(f"{name} {kind} {tensor_checksum(held)}\n")
                    part = wanted if wanted is None or columns is None else wanted[:, columns]
                    same.append(None if part is None else compare_part(held, part))
                whole += lines
                rest += [] if all(same) else lines
                if None in same:
                    found["summed"] += 1
                elif all(same):
                    found["exact"] += 1
                else:
                    found[kind].append(name)
    sums = {"checksum": text_sha256(whole), "rest": text_sha256(rest) if rest else ""}
    return found | sums | {"dtype": str(next(model.parameters()).dtype).removeprefix("torch.")}


class Witness:
    """What vLLM's workers get added (--worker-extension-cls): they tell which weights they hold."""

    def hub_evals_weights(self, files: list[str]) -> dict[str, Any]:
        return weights_in_engine(self.get_model(), files)  # the worker's own

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
    kept = {name: value for name, value in os.environ.items() if name not in TOKENS or settings.trust_remote_code}
    path = os.pathsep.join(part for part in (str(place), os.environ.get("PYTHONPATH")) if part)
    kept |= {"PYTHONPATH": path, "VLLM_API_KEY": key, "VLLM_SERVER_DEV_MODE": "1", "VLLM_NO_USAGE_STATS": "1"}
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


def server_command(folder: Path, name: str, port: int, place: Path, on_cpu: bool, settings: Settings) -> list[str]:
    """The command line of a server; nothing in it is secret."""
    options: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": port,
        "served-model-name": name,
        "dtype": choose_dtype(settings.dtype, folder, on_cpu),
        "seed": settings.seed,
        "generation-config": "vllm",  # a checkpoint's own sampling settings would change what is measured
        "worker-extension-cls": f"{SIDE_MODULE}.Witness",
        "middleware": f"{SIDE_MODULE}.Guard",
        "tensor-parallel-size": settings.tensor_parallel_size,
        "data-parallel-size": settings.data_parallel_size,
        "gpu-memory-utilization": settings.gpu_memory_utilization,
        "max-model-len": settings.max_model_len,
    }
    if not settings.use_chat_template:
        options |= {"chat-template": place / "plain.jinja", "chat-template-content-format": "string"}
    if on_cpu and (settings.tensor_parallel_size or 1) == 1:
        options["distributed-executor-backend"] = "uni"
    switches = ["--disable-uvicorn-access-log", "--enable-prefix-caching"]
    switches += ["--enforce-eager"] if on_cpu else []  # compiling takes longer than a small model runs
    switches += ["--trust-remote-code"] if settings.trust_remote_code else []
    given = [word for flag, value in options.items() if value is not None for word in (f"--{flag}", str(value))]
    return [sys.executable, "-m", "vllm.entrypoints.cli.main", "serve", str(folder), *given, *switches]


class VllmServer:
    """`vllm serve` on the loopback interface with one model, whose weights can be replaced by another checkpoint's.

    Raises ScriptError when it does not start, or when weights are not those of the files.
    """

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.folder, self.layout, self.settings = folder, read_layout(folder), settings
        self.on_cpu = vllm_on_cpu()
        self.name, self.key = f"engine-{uuid.uuid4().hex[:8]}", secrets.token_urlsafe(24)
        self.place = Path(tempfile.mkdtemp(prefix="hub-evals-"))
        self.log = self.place / "server.log"
        self.port, self.reserved, self.keeper = 0, None, None
        self.checksums: dict[str, str] = {}
        self.differing: set[str] | None = None
        self.found: list[dict[str, Any]] = []
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
        command = server_command(folder, self.name, self.port, self.place, self.on_cpu, self.settings)
        keeper = [sys.executable, "-c", f"import {SIDE_MODULE}; {SIDE_MODULE}.keep_server()"]
        environment = server_environment(self.place, self.key, self.on_cpu, self.settings)
        with self.log.open("wb") as log:
            self.keeper = subprocess.Popen(
                [*keeper, *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=environment,
                cwd=Path.cwd(),
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
        self.checksum = self.check(folder)

    @property
    def alive(self) -> bool:
        return self.keeper is not None and self.keeper.poll() is None

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
        return json.loads(text) if text else None

    def swap(self, folder: Path) -> None:
        """Replace the weights by those in a folder of the same layout; after an error the engine is of no use."""
        difference = layout_difference(self.layout, read_layout(folder))
        if difference:
            raise ScriptError(difference)
        body = {"method": "reload_weights", "kwargs": {"weights_path": str(folder)}}
        self.ask("POST", "/collective_rpc", body)
        self.ask("POST", "/collective_rpc", {"method": "hub_evals_refresh"})
        self.checksum = self.check(folder)

    def check(self, folder: Path) -> str:
        """Prove that the engine holds a folder's weights, forget what it computed with others; their checksum."""
        self.forget()
        files = [str(path) for path in weight_files(folder) if path.suffix == ".safetensors"]
        found = self.ask("POST", "/collective_rpc", {"method": "hub_evals_weights", "args": [files]})["results"]
        lacking = next((worker["lacking"] for worker in found if worker["lacking"]), None)
        if lacking:
            raise ScriptError(f"the engine holds other weights than the files: {lacking} is not in the files")
        differing = {name for worker in found for kind in ("wrong", "inexact") for name in worker[kind]}
        if self.differing is None:
            self.differing = differing  # kept in another form than the file's by an engine that has just loaded them
        elif differing - self.differing:
            raise ScriptError(f"the engine holds other weights than the files: {min(differing - self.differing)}")
        elif not all(worker["exact"] for worker in found) or any(worker["unread"] for worker in found):
            raise ScriptError("its weights cannot be read back")
        elif any(
            worker["rest"] and worker["rest"] == old["rest"] for worker, old in zip(found, self.found, strict=True)
        ):
            raise ScriptError("the engine has kept weights of the checkpoint before")
        broken = next((worker["broken"] for worker in found if worker["broken"]), None)
        if broken:
            raise ScriptError(f"its weights are broken: {broken} holds values that are no numbers")
        self.found = found
        checksum = text_sha256(worker["checksum"] for worker in found)
        if self.checksums.setdefault(weights_sha256(folder), checksum) != checksum:
            raise ScriptError("the same weights gave another checksum than before")
        return checksum

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
            super().__init__(server.name, lazy_init=False, **more)
            self.model_name = model_name  # in inspect's log; `server.name` is what the server is asked for
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
        folder = downloaded(model)
        self.settings, self.folder = settings, folder
        self.server = VllmServer(folder, settings)
        try:
            server_provider()  # imported while the server starts
            self.server.ready(folder)
            check_unchanged(model, folder)
        except BaseException as error:
            self.close()
            if isinstance(error, OSError):
                raise ScriptError(f"vLLM did not answer: {error}") from error
            raise

    @property
    def loaded(self) -> Loaded:
        proof = self.server.found[0]
        text = f"{proof['exact']} tensors read back exactly, {proof['summed']} by checksum"
        device = "cpu" if self.server.on_cpu else "cuda"
        return Loaded("vllm", vllm_version(), proof["dtype"], device, self.server.checksum, text)

    def swap(self, model: Model) -> None:
        """Replace the weights; after an error the engine is of no use."""
        folder = downloaded(model)
        self.server.swap(folder)
        check_unchanged(model, folder)
        self.folder = folder

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
