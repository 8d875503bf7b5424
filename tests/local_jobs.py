"""Hugging Face Jobs and the buckets that scripts travel in, as a part of `local_hub.py`.

A job is accepted as the client's `run_uv_job` sends it: the script goes through the Xet protocol into a bucket, which
the job sees as /data. What happens then is up to a runner: `Pretend` walks each job through its stages, one step for
every request that looks at it, and ends it as a test says; `Process` runs the script for real, in a folder of its own
and with no environment but the job's.

    with local_hub(home) as hub:
        hub.jobs.runner = Pretend(lambda job: Ending(stage="ERROR", logs=["CUDA out of memory"]))

Left out: scheduled jobs, metrics, ssh, network groups, exposed ports, volumes other than the script's bucket. Guessed,
since the client does not show them: the texts of refusals, and that a job's answer names its secrets without values.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

JOB_ROUTES = [
    ("GET", "/api/jobs/hardware", "hardware", None),
    ("GET", "/api/jobs/{name}", "list_jobs", None),
    ("POST", "/api/jobs/{name}", "create_job", None),
    ("GET", "/api/jobs/{name}/{job}", "inspect_job", None),
    ("GET", "/api/jobs/{name}/{job}/logs", "logs", None),
    ("POST", "/api/jobs/{name}/{job}/cancel", "cancel_job", None),
    ("POST", "/api/buckets/{name}/{bucket}", "create_bucket", None),
    ("GET", "/api/buckets/{name}/{bucket}", "bucket_info", None),
    ("GET", "/api/buckets/{name}/{bucket}/xet-write-token", "xet_token", None),
    ("POST", "/api/buckets/{name}/{bucket}/batch", "bucket_batch", None),
]
CAS_ROUTES = [
    ("GET", "/v1/chunks/.*", "no_chunk", None),
    ("POST", "/v1/xorbs/default/{hash}", "put_xorb", None),
    ("POST", "/v[12]/shards", "put_shard", None),
]
# What a machine needs to reach the package index; the rest of the environment is not the job's.
NETWORK = re.compile(
    r"(?:UV|PIP)_.*|(?:https?|no|all)_proxy|(?:HTTPS?|NO|ALL)_PROXY|SSL_CERT_(?:FILE|DIR)|REQUESTS_CA_BUNDLE"
)
DONE = ("COMPLETED", "ERROR", "CANCELED", "DELETED")
MEMORY = {"T4": 16, "L4": 24, "L40S": 48, "A10G": 24, "A100": 80, "H200": 141, "RTX PRO 6000": 96}  # GB of one GPU
# name, vCPU, RAM in GB, GPU, how many, dollars an hour: some of those of August 2026.
HARDWARE = [
    ("cpu-basic", 2, 16, "", 0, 0.01),
    ("cpu-upgrade", 8, 32, "", 0, 0.03),
    ("t4-small", 4, 15, "T4", 1, 0.40),
    ("t4-medium", 8, 30, "T4", 1, 0.60),
    ("l4x1", 8, 30, "L4", 1, 0.80),
    ("l4x4", 48, 186, "L4", 4, 3.80),
    ("l40sx1", 8, 62, "L40S", 1, 1.80),
    ("l40sx4", 48, 382, "L40S", 4, 8.30),
    ("a10g-small", 4, 15, "A10G", 1, 1.00),
    ("a10g-large", 12, 46, "A10G", 1, 1.50),
    ("a10g-largex2", 24, 92, "A10G", 2, 3.00),
    ("a10g-largex4", 48, 184, "A10G", 4, 5.00),
    ("a100-large", 12, 142, "A100", 1, 2.50),
    ("a100x4", 48, 568, "A100", 4, 10.00),
    ("a100x8", 96, 1136, "A100", 8, 20.00),
    ("h200", 23, 256, "H200", 1, 5.00),
    ("h200x2", 46, 512, "H200", 2, 10.00),
    ("h200x8", 184, 2048, "H200", 8, 40.00),
]
SPEC_KEYS = {
    "command": list,
    "arguments": list,
    "environment": dict,
    "secrets": dict,
    "flavor": str,
    "timeoutSeconds": int,
    "attempts": int,
    "labels": dict,
    "volumes": list,
    "dockerImage": str,
    "spaceId": str,
}


# --- Vocabulary ---


@dataclass(frozen=True)
class Ending:
    """How a pretended job ends (RUNNING: it does not); `before` runs just before, as what the job did (its upload)."""

    stage: str = "COMPLETED"
    message: str | None = None
    logs: Sequence[str] = ()
    before: Callable[[], object] | None = None
    seconds: float = 0.0  # how long it ran, by the Hub's clock


@dataclass
class Job:
    """A job that was accepted: what the client sent, and what became of it."""

    id: str
    namespace: str
    user: str
    spec: dict[str, Any]
    stage: str = "SCHEDULING"
    message: str | None = None
    logs: list[tuple[str, str]] = field(default_factory=list)  # time, line
    created: str = ""
    started: str | None = None
    finished: str | None = None
    hourly: float = 0.0  # dollars, as the hardware was when it was sent

    @property
    def labels(self) -> dict[str, str]:
        return self.spec.get("labels") or {}

    @property
    def script_arguments(self) -> list[str]:
        """What stands behind the script in the command."""
        command = self.spec["command"]
        return command[next(i for i, word in enumerate(command) if word.endswith(".py")) + 1 :]

    def say(self, line: str) -> None:
        self.logs.append((timestamp(), line))

    def start(self) -> None:
        self.stage, self.started = "RUNNING", timestamp()
        self.say(f"===== Job started at {self.started} =====")

    def end(self, stage: str, message: str | None = None) -> None:
        self.stage, self.message, self.finished = stage, message, timestamp()

    def run_for(self, seconds: float) -> None:
        """Put its start so far back that it has run for so long."""
        self.started = timestamp(seconds)

    @property
    def cost(self) -> float:
        """What the Hub bills for it: the seconds that it ran, or has run so far."""
        return self.hourly * seconds_between(self.started, self.finished) / 3600 if self.started else 0.0

    def shown(self) -> dict[str, Any]:
        """The API's description: secrets by name alone."""
        spec = {key: value for key, value in self.spec.items() if key != "timeoutSeconds"}
        spec["secrets"] = dict.fromkeys(self.spec.get("secrets") or {})
        times = {"createdAt": self.created, "startedAt": self.started, "finishedAt": self.finished}
        running = seconds_between(self.started, self.finished) if self.started else None
        total = seconds_between(self.created, self.finished)
        waited = seconds_between(self.created, self.started)
        durations = {"schedulingSecs": waited, "runningSecs": running, "totalSecs": total}
        owner = {"id": self.namespace, "name": self.namespace, "type": "user"}
        status = {"stage": self.stage, "message": self.message}
        by = {"type": "user", "id": self.user, "name": self.user}
        return {
            "id": self.id, **spec, **times, "status": status, "durations": durations, "owner": owner, "initiator": by,
        }  # fmt: skip


# --- Pure core ---


def timestamp(ago: float = 0.0) -> str:
    moment = datetime.now(UTC) - timedelta(seconds=ago)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def seconds_between(start: str, end: str | None) -> float:
    return (datetime.fromisoformat(end or timestamp()) - datetime.fromisoformat(start)).total_seconds()


def hardware_list() -> list[dict[str, Any]]:
    """What /api/jobs/hardware answers."""
    return [hardware_item(*row) for row in HARDWARE]


def hardware_item(name: str, cpus: int, ram: int, gpu: str, count: int, price: float) -> dict[str, Any]:
    vram = f"{MEMORY[gpu] * count} GB" if gpu else ""
    accelerator = {"type": "gpu", "model": gpu, "quantity": str(count), "vram": vram, "manufacturer": "Nvidia"}
    return {
        "name": name,
        "prettyName": f"Nvidia {gpu}" if gpu else "CPU",
        "cpu": f"{cpus} vCPU",
        "ram": f"{ram} GB",
        "ephemeralStorage": "100 GB",
        "accelerator": accelerator if gpu else None,
        "unitCostMicroUSD": round(price / 60 * 1e6),
        "unitCostUSD": price / 60,
        "unitLabel": "minute",
    }


def spec_problem(spec: dict[str, Any], flavors: set[str]) -> str | None:
    """The first reason why the Hub would refuse a job, by what the client's documentation says."""
    for key, value in spec.items():
        if not isinstance(value, SPEC_KEYS.get(key, ())):
            return f'"{key}" is unknown or has the wrong type'
    if not spec.get("command") or not all(isinstance(word, str) for word in spec["command"]):
        return '"command" must be a list of strings'
    if spec.get("flavor") not in flavors:
        return f'"flavor" must be one of [{", ".join(sorted(flavors))}]'
    for key, value in (spec.get("labels") or {}).items():
        if not (re.fullmatch(r"[\w-]{1,100}", key) and re.fullmatch(r"[\w.-]{0,100}", value)):
            return f'"labels.{key}" must be at most 100 letters, digits, dashes and underscores'
    return None


def hash_name(raw: bytes) -> str:
    """How Xet writes a hash: four little-endian numbers of 64 bits."""
    return "".join(f"{int.from_bytes(raw[i : i + 8], 'little'):016x}" for i in range(0, 32, 8))


def xorb_chunks(data: bytes) -> list[bytes]:
    """The chunks of a xorb: each has a header of 8 bytes (version, sizes, compression) before its data."""
    chunks, at = [], 0
    while at + 8 <= len(data) and data[at : at + 7] != b"XETBLOB":
        packed, kind = int.from_bytes(data[at + 1 : at + 4], "little"), data[at + 4]
        size = int.from_bytes(data[at + 5 : at + 8], "little")
        chunks.append(unpacked(data[at + 8 : at + 8 + packed], kind, size))
        at += 8 + packed
    return chunks


def unpacked(data: bytes, kind: int, size: int) -> bytes:
    """A chunk: stored as it is (0), with LZ4 (1), or with LZ4 and its bytes grouped by four (2)."""
    import lz4.frame

    if kind:
        data = lz4.frame.decompress(data)
    if kind == 2:
        lengths = [(len(data) + 3 - i) // 4 for i in range(4)]
        starts = [sum(lengths[:i]) for i in range(4)]
        data = bytes(data[starts[i % 4] + i // 4] for i in range(len(data)))
    if len(data) != size:
        raise ValueError("a chunk of another size than its header says")
    return data


def shard_files(data: bytes, xorbs: dict[str, list[bytes]]) -> dict[str, bytes]:
    """The files that a shard describes: hash -> content. Records of 48 bytes, the header's first."""
    files, at = {}, 48
    while data[at : at + 32] != b"\xff" * 32:
        name, flags = hash_name(data[at : at + 32]), int.from_bytes(data[at + 32 : at + 36], "little")
        count = int.from_bytes(data[at + 36 : at + 40], "little")
        content = b""
        for start in range(at + 48, at + 48 * (count + 1), 48):
            first, last = (int.from_bytes(data[start + k : start + k + 4], "little") for k in (40, 44))
            content += b"".join(xorbs[hash_name(data[start : start + 32])][first:last])
        files[name] = content
        at += 48 * (1 + count + (count if flags & 1 << 31 else 0) + (1 if flags & 1 << 30 else 0))
    return files


def event_stream(job: Job, first: int, live: bool) -> Iterator[bytes]:
    """The lines of a log from one on; a live one goes on until the job has ended."""
    while True:
        over = job.stage in DONE or not live  # asked before the lines are read, so that none is lost
        for at, line in job.logs[first:]:
            first += 1
            yield f"data: {json.dumps({'data': line, 'timestamp': at})}\n\n".encode()
        if over:
            return
        time.sleep(0.05)


# --- Runners ---


class Pretend:
    """Walks every job from SCHEDULING to RUNNING to the end that `ending` gives it, one step per look."""

    def __init__(self, ending: Callable[[Job], Ending] = lambda job: Ending()) -> None:
        self.ending = ending

    def start(self, job: Job) -> None:
        """Nothing happens before somebody looks."""

    def look(self, job: Job) -> None:
        if job.stage == "SCHEDULING":
            job.start()
        elif job.stage == "RUNNING":
            ending = self.ending(job)
            if ending.seconds:
                job.run_for(ending.seconds)
            if ending.before and ending.stage != "RUNNING":
                ending.before()
            for line in ending.logs:
                job.say(line)
            if ending.stage != "RUNNING":  # one that a test keeps running
                job.end(ending.stage, ending.message)

    def cancel(self, job: Job) -> None:
        """Nothing to stop."""


class Process:
    """Runs each job's command on this machine, in an empty folder, and takes its output as the log.

    The process gets what the job was given, PATH, a HOME of its own, uv's cache, and the address of this Hub. With
    `python`, that interpreter runs the script instead of `uv run`, which would install the script's packages.
    """

    def __init__(self, hub: Any, folder: Path, python: str | None = None) -> None:
        self.hub, self.folder, self.python = hub, folder, python
        # Asked here and not by a job's thread: the script under test moves this process to a folder that it removes.
        self.uv = {"UV_CACHE_DIR": uv_folder("cache"), "UV_PYTHON_INSTALL_DIR": uv_folder("python")}
        self.running: dict[str, subprocess.Popen] = {}
        self.threads: list[threading.Thread] = []
        self.mounting = threading.Lock()

    def start(self, job: Job) -> None:
        self.threads.append(threading.Thread(target=self.run, args=(job,), daemon=True))
        self.threads[-1].start()

    def look(self, job: Job) -> None:
        """The job goes on by itself."""

    def cancel(self, job: Job) -> None:
        if process := self.running.get(job.id):
            os.killpg(process.pid, signal.SIGTERM)

    def stop(self) -> None:
        """End what still runs."""
        for process in list(self.running.values()):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
        for thread in self.threads:
            thread.join(10)

    def run(self, job: Job) -> None:
        place = self.folder / job.id
        place.mkdir(parents=True)
        data = self.mount(self.hub.jobs.mounted(job))
        job.start()
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "start_new_session": True}
        words = self.command(job.spec["command"], data)
        process = subprocess.Popen(words, cwd=place, env=self.environment(job, place), **options)
        self.running[job.id] = process
        limit = threading.Timer(job.spec.get("timeoutSeconds", 1800), self.cancel, [job])
        limit.start()
        for line in process.stdout:
            job.say(line.rstrip("\n"))
        code = process.wait()
        timed_out = not limit.is_alive()
        limit.cancel()
        if job.stage == "CANCELED":
            return
        message = "Job timeout" if timed_out else None if code == 0 else f"Job failed with exit code: {code}"
        job.end("COMPLETED" if code == 0 else "ERROR", message)

    def mount(self, files: dict[str, bytes]) -> Path:
        """The folder with a job's files, the same for the same ones: so uv makes one environment of them."""
        digest = hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()
        folder = self.folder / f"data-{digest[:16]}"
        with self.mounting:
            for name, content in files.items() if not folder.exists() else ():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(content)
        return folder

    def command(self, words: Sequence[str], data: Path) -> list[str]:
        words = [str(data / word.removeprefix("/data/")) if word.startswith("/data/") else word for word in words]
        if self.python is None:
            return words
        script = next(i for i, word in enumerate(words) if word.endswith(".py"))
        return [self.python, *words[script:]]

    def environment(self, job: Job, place: Path) -> dict[str, str]:
        here = {"PATH": os.environ["PATH"], "HOME": str(place)}
        here |= {name: value for name, value in os.environ.items() if NETWORK.fullmatch(name)}
        here |= self.uv
        hub = self.hub.environment(place / "hf-home")
        hub.pop("HF_TOKEN")  # a job has no token but the one that it was given
        return hub | here | job.spec["environment"] | (job.spec.get("secrets") or {})


def uv_folder(kind: str) -> str:
    """Where uv keeps its cache or its Pythons, so that a HOME of its own does not make a job fetch them again."""
    if shutil.which("uv") is None:
        return ""
    return subprocess.run(["uv", kind, "dir"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


# --- State and handlers ---


class Jobs:
    """The jobs and buckets of a Hub; what tests look at and set."""

    def __init__(self, hub: Any) -> None:
        self.hub = hub
        self.all: dict[str, Job] = {}
        self.accepted: list[Job] = []
        self.hardware = hardware_list()
        self.unpaid: set[str] = set()  # namespaces without a payment method
        self.hidden: set[str] = set()  # jobs that the list does not show: it is behind
        self.runner: Any = Pretend()
        self.buckets: dict[str, dict[str, bytes]] = {}
        self.public: set[str] = set()  # of the buckets
        self.xet_tokens: set[str] = set()
        self.xorbs: dict[str, list[bytes]] = {}
        self.files: dict[str, bytes] = {}  # Xet hash -> content

    def with_labels(self, **labels: str) -> list[Job]:
        return [job for job in self.all.values() if labels.items() <= job.labels.items()]

    @property
    def bill(self) -> float:
        """Dollars for all jobs that were ever accepted, also those that are forgotten since."""
        return sum(job.cost for job in self.accepted)

    def mounted(self, job: Job) -> dict[str, bytes]:
        """What the job sees below /data: name -> content."""
        found = {}
        for volume in job.spec.get("volumes") or []:
            if volume["type"] == "bucket" and volume["mountPath"] == "/data":
                inside = f"{volume.get('path', '')}/".lstrip("/")
                files = self.buckets[volume["source"]].items()
                found |= {name.removeprefix(inside): data for name, data in files if name.startswith(inside)}
        return found


class JobHandlers:
    """What each route of JOB_ROUTES and CAS_ROUTES does, with the Hub's lock held."""

    def __init__(self, hub: Any, error: type[Exception], answer: Callable[..., Any], pages: Callable[..., Any]) -> None:
        self.hub, self.jobs, self.error, self.answer, self.paged = hub, hub.jobs, error, answer, pages

    def permit(self, call: Any, name: str, write: bool) -> None:
        """The namespace is the caller's own, or an organization's that the caller belongs to."""
        if self.hub.role(call.user, name) is None:
            raise self.error(404 if name not in self.hub.users else 403, f"Forbidden: no access to jobs of {name}")
        if write and not call.token.allows("write", name):
            raise self.error(403, "Forbidden: this token lacks the permission job.write")

    def find(self, call: Any, name: str, job: str, write: bool = False) -> Job:
        self.permit(call, name, write)
        found = self.jobs.all.get(job)
        if found is None or found.namespace != name:
            raise self.error(404, "Job not found")
        return found

    def hardware(self, call: Any) -> list[dict[str, Any]]:
        return self.jobs.hardware

    def create_job(self, call: Any, name: str) -> dict[str, Any]:
        self.permit(call, name, write=True)
        spec = call.json()
        if problem := spec_problem(spec, {item["name"] for item in self.jobs.hardware}):
            raise self.error(400, problem)
        if name in self.jobs.unpaid:
            raise self.error(402, f"Payment required for hardware {spec['flavor']}")
        price = next(item["unitCostUSD"] for item in self.jobs.hardware if item["name"] == spec["flavor"]) * 60
        job = Job(secrets.token_hex(12), name, call.user, spec, created=timestamp(), hourly=price)
        self.jobs.all[job.id] = job
        self.jobs.accepted.append(job)
        self.jobs.runner.start(job)
        return job.shown()

    def list_jobs(self, call: Any, name: str) -> Any:
        self.permit(call, name, write=False)
        labels = dict(item.split("=", 1) for item in call.query.get("label", []))
        found = [job for job in self.jobs.all.values() if job.namespace == name and job.id not in self.jobs.hidden]
        found = [job for job in found if labels.items() <= job.labels.items()]
        for job in found:
            self.jobs.runner.look(job)
        stages = call.query.get("stage")
        found = [job for job in reversed(found) if not stages or job.stage in stages]
        return self.paged(call, found, Job.shown)

    def inspect_job(self, call: Any, name: str, job: str) -> dict[str, Any]:
        found = self.find(call, name, job)
        self.jobs.runner.look(found)
        return found.shown()

    def logs(self, call: Any, name: str, job: str) -> Any:
        """All lines as server-sent events, or from the last `tail` on; of a job that really runs as they come."""
        found = self.find(call, name, job)
        first = max(0, len(found.logs) - int(call.arg("tail"))) if call.arg("tail") else 0
        live = isinstance(self.jobs.runner, Process)
        return self.answer(200, b"", {"Content-Type": "text/event-stream"}, event_stream(found, first, live))

    def cancel_job(self, call: Any, name: str, job: str) -> dict[str, Any]:
        found = self.find(call, name, job, write=True)
        if found.stage not in DONE:
            found.end("CANCELED")
            self.jobs.runner.cancel(found)
        return found.shown()

    def create_bucket(self, call: Any, name: str, bucket: str) -> Any:
        self.permit(call, name, write=True)
        url, known = f"{self.hub.url}/buckets/{name}/{bucket}", f"{name}/{bucket}" in self.jobs.buckets
        self.jobs.buckets.setdefault(f"{name}/{bucket}", {})
        body = {"url": url, "name": f"{name}/{bucket}"} | ({"error": "This bucket exists"} if known else {})
        return self.answer(409 if known else 200, json.dumps(body).encode(), {"Content-Type": "application/json"})

    def bucket_info(self, call: Any, name: str, bucket: str) -> dict[str, Any]:
        self.permit(call, name, write=False)
        files = self.jobs.buckets.get(f"{name}/{bucket}")
        if files is None:
            raise self.error(404, "Bucket not found")
        size = sum(map(len, files.values()))
        about = {
            "id": f"{name}/{bucket}",
            "private": f"{name}/{bucket}" not in self.jobs.public,
            "createdAt": timestamp(),
        }
        return about | {"size": size, "totalFiles": len(files)}

    def xet_token(self, call: Any, name: str, bucket: str) -> Any:
        self.permit(call, name, write=True)
        token, ends = f"xet_{secrets.token_hex(12)}", int(datetime.now(UTC).timestamp()) + 3600
        self.jobs.xet_tokens.add(token)
        body = {"casUrl": self.hub.cas_url, "accessToken": token, "exp": ends}
        headers = {"X-Xet-Cas-Url": self.hub.cas_url, "X-Xet-Access-Token": token, "X-Xet-Token-Expiration": str(ends)}
        return self.answer(200, json.dumps(body).encode(), {"Content-Type": "application/json", **headers})

    def bucket_batch(self, call: Any, name: str, bucket: str) -> dict[str, Any]:
        self.permit(call, name, write=True)
        files, rows = self.jobs.buckets[f"{name}/{bucket}"], [json.loads(line) for line in call.body.splitlines()]
        for row in rows:
            if row["type"] == "addFile":
                files[row["path"]] = self.jobs.files[row["xetHash"]]
            elif row["type"] == "deleteFile":
                files.pop(row["path"], None)
            else:
                raise self.error(400, f"{row['type']} is left out here")
        return {"success": True, "processed": len(rows), "succeeded": len(rows), "failed": []}

    # The content-addressed store behind Xet

    def no_chunk(self, call: Any) -> None:
        raise self.error(404, "No such chunk")  # nothing is known before: the client uploads all

    def put_xorb(self, call: Any, hash: str) -> dict[str, Any]:
        self.jobs.xorbs[hash] = xorb_chunks(call.body)
        return {"was_inserted": True}

    def put_shard(self, call: Any) -> dict[str, Any]:
        self.jobs.files |= shard_files(call.body, self.jobs.xorbs)
        return {"type": "result", "result": 1}  # the last of the frames that report an upload's progress
