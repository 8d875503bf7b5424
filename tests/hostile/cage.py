"""Runs commands of the scripts in cages: a child each, with limits of memory and time, and watches what they do.

Started as a process of its own (`python cage.py PORT`), which imports the scripts and their libraries once; then each
line of stdin is a job, {"script", "argv", "cwd", "env", "seconds", "megabytes"}, and each line of stdout its outcome,
{"code", "out", "err", "seconds", "megabytes", "timeout"}. A job runs in a fork: no import is paid twice.

`Cage` is the side of the tests: it starts the process, hands jobs in and counts what was asked of a Hub that refuses
everything. Code 137 means killed at the time limit, 125 a death by a signal.
"""

from __future__ import annotations

import contextlib
import http.server
import importlib
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
LIBRARIES = (
    "backports.zstd", "huggingface_hub", "lxml.html", "markdown_it", "numpy", "orjson", "pyarrow.parquet", "pyromark",
    "rich.table", "rouge_score.rouge_scorer", "sacrebleu", "scipy.stats", "statsmodels.stats.multitest", "tenacity",
    "yaml",
)  # fmt: skip
TOKEN = "hf_" + "CanaryCanaryCanaryCanaryCanary0000"


@dataclass(frozen=True)
class Outcome:
    """How one command ended."""

    code: int
    out: str
    err: str
    seconds: float
    megabytes: float
    asked: tuple[str, ...]  # requests to the Hub that change something

    @property
    def lines(self) -> list[str]:
        return [line for line in self.err.splitlines() if line.strip()]


class Refusal(http.server.BaseHTTPRequestHandler):
    """A Hub on which nothing is but the token's user; it remembers what was asked."""

    def answer(self) -> None:
        self.server.asked.append(f"{self.command} {self.path}")
        known = self.server.asks_user and self.path.startswith("/api/whoami")
        body = b'{"type": "user", "name": "nobody", "orgs": []}' if known else b'{"error": "Repository not found"}'
        self.send_response(200 if known else 404)
        self.send_header(*(("Content-Type", "application/json") if known else ("X-Error-Code", "RepoNotFound")))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = answer

    def log_message(self, *_: object) -> None:
        """Silent."""


class Cage:
    """The process that runs commands, from the outside."""

    def __init__(self) -> None:
        self.hub = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusal)
        self.hub.asked = []
        threading.Thread(target=self.hub.serve_forever, daemon=True).start()
        home = tempfile.mkdtemp(prefix="hostile-home-")
        address = f"http://127.0.0.1:{self.hub.server_address[1]}"
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": home,
            "HF_HOME": f"{home}/hf",
            "XDG_CACHE_HOME": f"{home}/cache",
            "XDG_STATE_HOME": f"{home}/state",
            "HF_ENDPOINT": address,
            "HF_TOKEN": TOKEN,
            "AA_API_BASE": address,
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "ARROW_DEFAULT_MEMORY_POOL": "system",  # the others reserve a gigabyte of addresses
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "PYTHONHASHSEED": "0",
            "LC_ALL": "C.UTF-8",
        }
        command = [sys.executable, __file__]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=self.environment, text=True, bufsize=1
        )

    def run(self, script: str, argv: list[str], cwd: Path, seconds: float = 10, megabytes: int = 1024) -> Outcome:
        """Run one command and wait for its end."""
        self.hub.asks_user = "push" in argv  # what else asks for it is to be refused
        self.hub.asked.clear()
        job = {"script": script, "argv": argv, "cwd": str(cwd), "seconds": seconds, "megabytes": megabytes}
        self.process.stdin.write(json.dumps(job) + "\n")
        told = json.loads(self.process.stdout.readline())
        asked = tuple(line for line in self.hub.asked if not line.startswith(("GET", "HEAD")))
        return Outcome(**told, asked=asked)

    def close(self) -> None:
        """End it."""
        self.process.stdin.close()
        self.process.wait(timeout=10)
        self.process.stdout.close()
        self.hub.shutdown()
        self.hub.server_close()


def child(job: dict, out: int, err: int) -> None:
    """Become the command; never returns."""
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(out, 1)
    os.dup2(err, 2)
    os.chdir(job["cwd"])
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    room = mapped + job["megabytes"] * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (room, room))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    limit = int(job["seconds"])
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**30, 2**30))
    code = 1
    try:
        sys.argv = [f"{job['script']}.py", *job["argv"]]
        code = sys.modules[job["script"]].main(job["argv"])
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
    with contextlib.suppress(Exception):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code or 0)


def wait_for(pid: int, seconds: float) -> tuple[int, float]:
    """Exit code and peak memory in MB of a child; it is killed, with all that it started, when its time is over.

    Its limit is of processor time, which does not depend on what else runs; who only waits is ended by `seconds`.
    """
    end, status = time.monotonic() + seconds, None
    pause = 0.002
    while status is None:
        found, status_now, usage = os.wait4(pid, os.WNOHANG)
        if found:
            status = status_now
        elif time.monotonic() > end:
            os.killpg(pid, signal.SIGKILL)
            _, _, usage = os.wait4(pid, 0)
            return 137, usage.ru_maxrss / 1024
        else:
            time.sleep(pause)
            pause = min(pause * 1.5, 0.05)
    code = os.waitstatus_to_exitcode(status)
    if code in (-signal.SIGXCPU, -signal.SIGKILL):
        code = 137
    return (125 if code < 0 else code), usage.ru_maxrss / 1024


def serve() -> None:
    """Take jobs from stdin until it closes."""
    sys.path.insert(0, str(SCRIPTS))
    for name in LIBRARIES:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    for path in SCRIPTS.glob("*.py"):
        importlib.import_module(path.stem)
    for line in sys.stdin:
        job = json.loads(line)
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            begun = time.monotonic()
            pid = os.fork()
            if pid == 0:
                child(job, out.fileno(), err.fileno())
            code, megabytes = wait_for(pid, 6 * job["seconds"])
            seconds = time.monotonic() - begun
            out.seek(0), err.seek(0)
            texts = [file.read(4_000_000).decode("utf-8", "surrogateescape") for file in (out, err)]
        told = {"code": code, "out": texts[0], "err": texts[1], "seconds": seconds, "megabytes": megabytes}
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    serve()
