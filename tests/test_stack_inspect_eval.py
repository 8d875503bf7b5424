"""inspect_eval_uv.py with the real inspect-ai, against a server on 127.0.0.1 that answers by rule and misbehaves."""

import collections
import contextlib
import hashlib
import http.server
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from local_hub import LocalHub

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "scripts" / "inspect_eval_uv.py"
CHECKER = ROOT.parent / "shared" / "check_records.py"
PYTHON = os.environ.get("HUB_EVALS_STACK_PYTHON")
MODEL = "acme/Bot-1B"
OTHER = "acme/Other-1B"

pytestmark = pytest.mark.stack

TASK_FILE = """
from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import GenerateConfig
from inspect_ai.scorer import Score, accuracy, choice, mean, scorer, stderr
from inspect_ai.solver import generate, multiple_choice
from inspect_ai.util import sandbox

@scorer(metrics=[accuracy(), stderr()])
def same():
    async def score(state, target):
        answer = state.output.completion.strip()
        return Score(value="C" if answer == target.text else "I", answer=answer)
    return score

@scorer(metrics={"length": [mean(), stderr()], "right": [mean()]})
def several():
    async def score(state, target):
        text = state.output.completion.strip()
        return Score(value={"length": len(text), "right": float(text == target.text)}, answer=text)
    return score

@scorer(metrics=[accuracy(), stderr()])
def runs():
    async def score(state, target):
        done = await sandbox().exec(["python3", "-c", state.output.completion])
        return Score(value="C" if done.stdout.strip() == target.text else "I", answer=done.stdout)
    return score

def samples(kind, size, ids=True):
    return MemoryDataset([Sample(id=f"{kind}-{i:02}" if ids else None, input=f"{kind} {i}", target=f"answer {i}")
                          for i in range(size)])

def made(kind, size, scorer=None, ids=True, **more):
    return Task(dataset=samples(kind, size, ids), solver=generate(), scorer=scorer or same(), **more)

@task
def plain():
    return made("plain", 10, metadata={"few_shot": 0}, config=GenerateConfig(max_tokens=9))

@task
def faults():
    return made("faults", 5, ids=False)

@task
def holes():
    return made("holes", 20)

@task
def broken():
    return made("broken", 3)

@task
def thinking():
    return made("thinking", 4)

@task
def parts():
    return made("parts", 4, several())

@task
def letters():
    rows = [Sample(input=f"letters {i}", choices=["red", "blue", "green"], target="ABC"[i % 3]) for i in range(6)]
    return Task(dataset=MemoryDataset(rows), solver=multiple_choice(), scorer=choice())

@task
def code():
    return made("code", 2, runs(), sandbox="docker")

@task
def slow():
    return made("slow", 6)
"""


class Answers:
    """What the server says to a prompt, and everything that it was asked."""

    def __init__(self) -> None:
        self.requests: list[dict] = []
        self.tokens: set[str] = set()
        self.models_asked = 0
        self.seen: collections.Counter[str] = collections.Counter()
        self.waiting = threading.Event()
        self.lock = threading.Lock()

    def asked(self, kind: str) -> list[dict]:
        return [request for request in self.requests if request["messages"][-1]["content"].startswith(kind)]

    def answer(self, prompt: str) -> tuple[str, str] | str:
        """(text, finish reason), or the name of a fault."""
        if "letters" in prompt:
            number = int(prompt.split("letters ")[1].split()[0])
            return ["ANSWER: A", "ANSWER: B", "ANSWER: C", "ANSWER: B", "ANSWER: B", "none of them"][number], "stop"
        kind, number = prompt.split()[0], int(prompt.split()[1])
        with self.lock:
            self.seen[prompt] += 1
            first = self.seen[prompt] == 1
        right = f" answer {number}\n"
        if kind == "plain":  # 7 right, 1 wrong, 1 empty, 1 cut off
            special = {7: ("", "stop"), 8: ("wrong", "length"), 9: ("wrong", "stop")}
            return special.get(number, (right, "stop"))
        if kind == "faults" and first:
            return ["busy", "broken", "dropped", "malformed", "cut"][number]
        if kind == "holes" and number == 13:
            return "refused"
        if kind == "broken":
            return "refused"
        if kind == "thinking":
            texts = [f"<think>maybe 9</think>answer {number}", f"maybe</think> answer {number}", "<think>on and on"]
            return (
                (texts[number], "stop" if number < 2 else "length") if number < 3 else (f"[[x]]answer {number}", "stop")
            )
        if kind == "code":
            return "import os; print('answer', 0)", "stop"
        if kind == "slow" and number == 5 and first:
            self.waiting.set()
            time.sleep(60)
        if kind == "parts":
            return "x" * number or "y", "stop"
        return right, "stop"


class Handler(http.server.BaseHTTPRequestHandler):
    """OpenAI's chat completions, with and without streaming, and the router's list of models."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def handle(self) -> None:
        with contextlib.suppress(OSError):  # the client was killed
            super().handle()

    def reply(self, status: int, body: bytes, kind: str = "application/json", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self.server.answers.models_asked += 1
        pricing = {"provider": "nscale", "status": "live", "pricing": {"input": 2, "output": 10}}
        other = {"provider": "other", "status": "live"}
        self.reply(200, json.dumps({"data": [{"id": MODEL, "providers": [pricing, other]}]}).encode())

    def do_POST(self) -> None:
        answers = self.server.answers
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answers.requests.append(request)
        answers.tokens.add(self.headers.get("Authorization", ""))
        said = answers.answer(request["messages"][-1]["content"])
        if isinstance(said, str):
            return self.fault(said)
        text, reason = said
        whole = {"id": "1", "created": 1, "model": request["model"], "object": "chat.completion.chunk"}
        usage = {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14}
        if request.get("stream"):
            chunks = [
                {
                    **whole,
                    "choices": [{"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": None}],
                },
                {**whole, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]},
                {**whole, "choices": [], "usage": usage},
            ]
            body = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
            return self.reply(200, body.encode(), "text/event-stream", x_inference_provider="nscale")
        message = {"role": "assistant", "content": text}
        choices = [{"index": 0, "message": message, "finish_reason": reason}]
        body = json.dumps({**whole, "object": "chat.completion", "choices": choices, "usage": usage})
        return self.reply(200, body.encode(), x_inference_provider="nscale")

    def fault(self, name: str) -> None:
        if name == "busy":
            return self.reply(429, b'{"error": {"message": "slow down"}}', Retry_After="1")
        if name == "broken":
            return self.reply(500, b'{"error": "internal"}')
        if name == "refused":
            return self.reply(400, b'{"error": {"message": "this cannot be answered"}}')
        if name == "malformed":
            return self.reply(200, b'data: {"id": "1", "choices": [{"ind\n\n', "text/event-stream")
        if name == "cut":  # the connection ends in the middle of the answer
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Content-Length", "500")
            self.end_headers()
            self.wfile.write(b'data: {"id": "1", "object": "chat.completion.chunk", "choices": []}\n\n')
        self.close_connection = True
        self.connection.close()
        return None


class World:
    """A folder with a task file, the server, a Hub that knows the model, and the script started in it."""

    def __init__(self, folder: Path, server: http.server.ThreadingHTTPServer, hub: LocalHub) -> None:
        self.folder, self.server, self.hub = folder, server, hub
        (folder / "tasks.py").write_text(TASK_FILE)
        hub.create_repo(MODEL, files={"README.md": b"# Bot\n"})
        self.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
        self.environment = {**os.environ, **hub.environment(folder / "home"), "HF_TOKEN": hub.token}

    @property
    def answers(self) -> Answers:
        return self.server.answers

    def command(self, tasks: str, *more: str) -> list[str]:
        names = [name if "/" in name else f"tasks.py@{name}" for name in tasks.split()]
        start = [PYTHON] if PYTHON else ["uv", "run", "--script"]
        return [*start, str(SCRIPT), "--model", MODEL, "--base-url", self.url, "--task", *names, *more]

    def run(self, tasks: str, *more: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            self.command(tasks, *more),
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )
        print(done.stdout, done.stderr, sep="\n", file=sys.stderr)
        return done

    def begin(self, tasks: str, *more: str) -> subprocess.Popen[str]:
        """Start the script and wait until it asks for the answer that does not come."""
        self.answers.waiting.clear()
        self.answers.seen.clear()
        started = subprocess.Popen(
            self.command(tasks, *more),
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self.answers.waiting.wait(120), "the script never asked"
        return started

    def records(self, output: str) -> dict[str, dict]:
        """The records in an output folder by task."""
        paths = [p for p in (self.folder / output / "data").rglob("*.json") if not p.name.endswith("_failure.json")]
        found = [json.loads(path.read_text()) for path in paths]
        by_task = {record["eval_library"]["additional_details"]["task"]: record for record in found}
        assert len(by_task) == len(found), "a task was measured twice"
        return by_task

    def samples(self, output: str, record: dict) -> list[dict]:
        path = self.folder / output / record["detailed_evaluation_results"]["file_path"]
        return [json.loads(line) for line in path.read_text().splitlines()]

    def failures(self, output: str) -> list[dict]:
        return [json.loads(p.read_text()) for p in (self.folder / output / "data").rglob("*_failure.json")]


def score(record: dict, metric: str = "accuracy") -> float:
    (result,) = [row for row in record["evaluation_results"] if row["metric_config"]["metric_name"] == metric]
    return result["score_details"]["score"]


def counts(record: dict) -> dict[str, int]:
    details = record["evaluation_results"][0]["score_details"]["details"]
    return {name: int(count) for name, count in details.items() if count != "0"}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.answers, server.daemon_threads = Answers(), True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with LocalHub() as hub:
        yield World(tmp_path_factory.mktemp("world"), server, hub)
    server.shutdown()


@pytest.fixture(scope="module")
def measured(world):
    """One run over everything, well-behaved and not."""
    tasks = "plain faults holes broken parts letters"
    return world.run(tasks, "--output-dir", "out", "--provider", "nscale", "--json")


# --- a stranger's folder ---


# --- one run over everything ---


def test_what_is_measured_is_printed_and_what_failed_gives_exit_1(world, measured):
    assert measured.returncode == 1
    shown = json.loads(measured.stdout)
    assert {row["task"]: row["scores"][0]["score"] for row in shown["records"]} == {
        "plain": 0.7,
        "faults": 1.0,
        "holes": 1.0,
        "letters": pytest.approx(4 / 6),
        "parts": pytest.approx((1 + 1 + 2 + 3) / 4),
    }
    assert [row["task"] for row in shown["failed"]] == ["broken"]
    assert set(world.records("out")) == {"plain", "faults", "holes", "letters", "parts"}


def test_a_score_has_its_error_and_its_counts(world, measured):
    record = world.records("out")["plain"]
    details = record["evaluation_results"][0]["score_details"]
    assert details["score"] == pytest.approx(0.7)
    assert details["uncertainty"]["num_samples"] == 10
    assert details["uncertainty"]["standard_error"]["value"] == pytest.approx(math.sqrt(0.7 * 0.3 * 10 / 9 / 10))
    assert counts(record) == {"attempts": 10, "scored": 10, "wrong": 3, "empty": 1, "truncated": 1, "unparsed": 1}
    rows = world.samples("out", record)
    assert [row["sample_id"] for row in rows] == [f"plain-{i:02}" for i in range(10)]
    assert [row["evaluation"]["score"] for row in rows] == [1.0] * 7 + [0.0] * 3
    assert rows[0]["output"]["raw"] == [" answer 0\n"]
    assert rows[0]["token_usage"] == {"input_tokens": 10, "output_tokens": 4, "total_tokens": 14}


def test_the_record_says_what_was_in_force(world, measured):
    record = world.records("out")["plain"]
    result = record["evaluation_results"][0]
    assert result["evaluation_result_id"] == "plain|0/accuracy"
    assert result["generation_config"]["generation_args"] == {"temperature": 0.0, "max_tokens": 9}
    info = record["model_info"]
    assert info["id"] == MODEL and info["additional_details"]["provider"] == "nscale"
    assert info["additional_details"]["answered_by"] == "nscale"
    assert info["additional_details"]["revision"] == world.hub.commits(MODEL)[0].oid
    assert "weights_sha256" not in info["additional_details"]
    asked = world.answers.asked("plain")[0]
    assert asked["model"] == f"{MODEL}:nscale" and asked["temperature"] == 0.0 and asked["max_tokens"] == 9


def test_tokens_and_their_price_are_in_the_record(world, measured):
    details = world.records("out")["plain"]["eval_library"]["additional_details"]
    assert (details["input_tokens"], details["output_tokens"]) == ("100", "40")
    assert float(details["cost_usd"]) == pytest.approx((100 * 2 + 40 * 10) / 1e6)


def test_faults_that_pass_are_tried_again(world, measured):
    record = world.records("out")["faults"]
    assert score(record) == 1.0 and counts(record) == {"attempts": 5, "scored": 5}
    assert all(world.answers.seen[f"faults {i}"] >= 2 for i in range(5))
    names = [row["sample_id"] for row in world.samples("out", record)]
    assert names == [f"sample/{i}" for i in range(5)]  # without ids of its own: the row


def test_an_item_that_fails_does_not_enter_the_mean(world, measured):
    record = world.records("out")["holes"]
    assert score(record) == 1.0
    assert record["evaluation_results"][0]["score_details"]["uncertainty"]["num_samples"] == 19
    assert counts(record) == {"attempts": 20, "scored": 19, "errored": 1}
    (row,) = [row for row in world.samples("out", record) if row.get("error")]
    assert row["sample_id"] == "holes-13" and "cannot be answered" in row["error"]


def test_a_failed_task_leaves_its_reason_and_no_score(world, measured):
    (failure,) = world.failures("out")
    assert failure["task"] == "broken" and "this cannot be answered" in failure["error"]
    assert failure["model_id"] == MODEL and failure["settings"]["provider"] == "nscale"


def test_letters_that_cannot_be_read_are_counted(world, measured):
    record = world.records("out")["letters"]
    assert score(record) == pytest.approx(4 / 6)  # 0, 1, 2 and 4 are right
    assert counts(record) == {"attempts": 6, "scored": 6, "wrong": 2, "unparsed": 1}
    row = world.samples("out", record)[0]
    assert row["input"]["choices"] == ["red", "blue", "green"] and row["input"]["reference"] == ["A"]
    assert row["answer_attribution"][0]["extracted_value"] == "A"
    assert "letters 0" in row["input"]["formatted"] and "ANSWER: $LETTER" in row["input"]["formatted"]


def test_a_score_of_several_values_gives_several_results(world, measured):
    results = world.records("out")["parts"]["evaluation_results"]
    assert {r["metric_config"]["metric_name"]: r["score_details"]["score"] for r in results} == {
        "length": pytest.approx(1.75),
        "right": 0.0,
    }
    units = {r["metric_config"]["metric_name"]: r["metric_config"]["metric_unit"] for r in results}
    assert units == {"length": "points", "right": "proportion"}


def test_the_token_goes_to_the_server_and_nowhere_else(world, measured):
    token = world.hub.token
    assert world.answers.tokens == {f"Bearer {token}"}
    assert token not in measured.stdout + measured.stderr
    for path in (world.folder / "out").rglob("*"):
        if path.is_file():
            assert token.encode() not in path.read_bytes(), path
    python = [PYTHON] if PYTHON else ["uv", "run", "--with", "inspect-ai>=0.3.280,<0.4", "python"]
    dump = (
        "import glob; from inspect_ai.log import read_eval_log; "
        "print(*[read_eval_log(path).model_dump_json() for path in glob.glob('out/logs/*.eval')])"
    )
    logs = subprocess.run([*python, "-c", dump], cwd=world.folder, capture_output=True, text=True, check=True)
    assert "answer 3" in logs.stdout and token not in logs.stdout


def test_the_records_keep_the_schema_and_the_other_scripts_read_them(world, measured):
    if CHECKER.is_file():
        check = ["uv", "run", str(CHECKER), "out/data"]
        done = subprocess.run(check, cwd=world.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    give_to_another_model(world.folder / "out", world.folder / "other")
    # By their files: the same id stands for a commit at a provider and for the model without a revision.
    names = [str(next((world.folder / side / "data" / "plain").rglob("*-*.json"))) for side in ("out", "other")]
    compare = ["uv", "run", str(ROOT / "scripts/compare_results.py"), "--baseline", names[0], "--candidate", names[1]]
    compare += ["--json"]
    done = subprocess.run(compare, cwd=world.folder, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1, 3), done.stderr
    assert '"plain"' in done.stdout
    (world.folder / "training.txt").write_text("Nothing of the test is in here.")
    look = ["uv", "run", str(ROOT / "scripts/check_contamination.py"), "--training", "training.txt", "--items", "out"]
    done = subprocess.run([*look, "--json"], cwd=world.folder, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1, 3), done.stderr
    assert "plain" in done.stdout


def give_to_another_model(source: Path, target: Path) -> None:
    """Copy results as if another model had given them."""
    shutil.copytree(source / "data", target / "data")
    for path in target.rglob("*_samples.jsonl"):
        text = path.read_text().replace(MODEL, OTHER)
        path.write_text(text)
        place = path.with_name(path.name.replace("_samples.jsonl", ".json"))
        record = json.loads(place.read_text().replace(MODEL, OTHER))
        record["detailed_evaluation_results"]["checksum"] = hashlib.sha256(text.encode()).hexdigest()
        place.write_text(json.dumps(record))


# --- again ---


def test_what_is_finished_is_not_asked_again(world, measured):
    before = len(world.answers.requests)
    again = world.run("plain letters", "--output-dir", "out", "--provider", "nscale", "--json")
    assert again.returncode == 0
    assert {row["task"] for row in json.loads(again.stdout)["skipped"]} == {"plain", "letters"}
    assert len(world.answers.requests) == before
    other = world.run("plain", "--output-dir", "out", "--provider", "nscale", "--limit", "3", "--seed", "7")
    assert other.returncode == 0  # other settings are measured anew
    assert len(world.answers.requests) == before + 3
    assert world.answers.requests[-1]["seed"] == 7


def test_a_dry_run_asks_nobody(world):
    before, hub = len(world.answers.requests), len(world.hub.requests)
    models = world.answers.models_asked
    done = world.run("plain inspect_evals/gsm8k", "--limit", "4", "--repeats", "2", "--dry-run", "--json")
    assert done.returncode == 0
    rows = {row["task"]: row for row in json.loads(done.stdout)["tasks"]}
    assert rows["plain"]["requests"] == 8 and rows["inspect_evals/gsm8k"]["requests"] == 8
    assert (len(world.answers.requests), len(world.hub.requests), world.answers.models_asked) == (before, hub, models)


def test_repeats_and_the_system_prompt(world):
    start = len(world.answers.requests)
    done = world.run(
        "plain", "--output-dir", "twice", "--repeats", "2", "--limit", "9", "--system-prompt", "Be short.",
        "--temperature", "0.5", "--max-tokens", "7", "--max-connections", "2",
    )  # fmt: skip
    assert done.returncode == 0
    asked = world.answers.requests[start:]
    assert len(asked) == 18
    assert {(r["temperature"], r["max_tokens"], r["messages"][0]["content"]) for r in asked} == {(0.5, 7, "Be short.")}
    record = world.records("twice")["plain"]
    assert score(record) == pytest.approx(7 / 9)
    assert record["evaluation_results"][0]["score_details"]["uncertainty"]["num_samples"] == 9
    row = world.samples("twice", record)[0]
    assert len(row["output"]["raw"]) == 2
    assert row["input"]["formatted"] == "system: Be short.\n\nuser: plain 0"


def test_thinking_is_not_scored(world):
    done = world.run("thinking", "--output-dir", "thoughts")
    assert done.returncode == 0
    record = world.records("thoughts")["thinking"]
    rows = world.samples("thoughts", record)
    assert [row["output"]["raw"][0] for row in rows] == ["answer 0", "answer 1", "", "[[x]]answer 3"]
    assert [row["evaluation"]["score"] for row in rows] == [1.0, 1.0, 0.0, 0.0]
    assert rows[0]["output"]["reasoning_trace"] == ["maybe 9"] and rows[2]["output"]["reasoning_trace"] == ["on and on"]
    assert counts(record) == {"attempts": 4, "scored": 4, "wrong": 2, "empty": 1, "truncated": 1, "unparsed": 1}
    other = world.run("thinking", "--output-dir", "tagged", "--reasoning-tags", "[[", "]]")
    assert other.returncode == 0
    rows = world.samples("tagged", world.records("tagged")["thinking"])
    assert rows[3]["output"]["raw"] == ["answer 3"] and rows[3]["evaluation"]["is_correct"]


def test_code_needs_a_sandbox_by_name(world):
    before = len(world.answers.requests)
    refused = world.run("code", "--output-dir", "code")
    assert refused.returncode == 2 and refused.stdout == ""
    assert "--sandbox docker" in refused.stderr and "--sandbox local" in refused.stderr
    assert len(world.answers.requests) == before
    done = world.run("code", "--output-dir", "code", "--sandbox", "local")
    assert done.returncode == 0 and "your rights" in done.stderr
    record = world.records("code")["code"]
    assert score(record) == 0.5
    assert record["evaluation_results"][0]["generation_config"]["additional_details"]["sandbox"] == "local"


# --- interrupted ---


def test_killed_at_any_moment_it_goes_on_where_it_was(world):
    started = world.begin("plain slow", "--output-dir", "killed")
    deadline = time.monotonic() + 60
    while not world.records("killed") and time.monotonic() < deadline:
        time.sleep(0.1)
    os.killpg(started.pid, signal.SIGKILL)  # `uv run` and the script below it
    started.communicate()
    assert set(world.records("killed")) == {"plain"}
    before = len(world.answers.asked("plain"))
    done = world.run("plain slow", "--output-dir", "killed")
    assert done.returncode == 0
    assert set(world.records("killed")) == {"plain", "slow"} and world.failures("killed") == []
    assert len(world.answers.asked("plain")) == before, "a finished task was asked again"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_no_half_record(world, number):
    output = f"signal{number}"
    started = world.begin("slow", "--output-dir", output)
    started.send_signal(number)
    out, err = started.communicate(timeout=60)
    assert started.returncode == 130, err
    assert out == "" and "Traceback" not in err and "interrupted" in err
    assert not [path for path in (world.folder / output).rglob("*") if path.is_file() and "logs" not in path.parts]


# --- where the records go, and what cannot be done ---


def test_records_go_to_a_data_set_and_come_back(world):
    done = world.run("letters", "--output-dir", "up", "--results-repo", "me/results/run1")
    assert done.returncode == 0
    names = [
        name for name in world.hub.files("me/results", repo_type="dataset") if name.startswith("run1/data/letters/")
    ]
    assert len(names) == 2
    before = len(world.answers.requests)
    again = world.run("letters", "--output-dir", "elsewhere", "--results-repo", "me/results/run1", "--json")
    assert again.returncode == 0 and len(world.answers.requests) == before
    assert [row["task"] for row in json.loads(again.stdout)["skipped"]] == ["letters"]


def test_what_cannot_be_done_is_said_in_a_line(world):
    with contextlib.suppress(KeyError):
        world.environment.pop("HF_TOKEN")
    try:
        done = world.run("plain", "--output-dir", "never")
    finally:
        world.environment["HF_TOKEN"] = world.hub.token
    assert done.returncode == 2 and done.stdout == ""
    assert "HF_TOKEN" in done.stderr and "Traceback" not in done.stderr


# --- last: what it asks is asked once more ---


def test_what_lies_in_the_folder_is_neither_run_nor_loaded(world, tmp_path):
    """git's file monitor, filter and hook, and a `.env` here and above: none takes effect."""
    folder, ran = tmp_path / "checkout", tmp_path / "ran"
    folder.mkdir()
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\necho ran >>{ran}\ncat\n")
    program.chmod(0o755)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com"]
    (folder / ".gitattributes").write_text("* filter=own\n")
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "one"], ["config", "core.fsmonitor", str(program)],
                  ["config", "filter.own.clean", str(program)]):  # fmt: skip
        subprocess.run([*git, *words], cwd=folder, check=True, timeout=60)
    shutil.copy(program, folder / ".git/hooks/post-index-change")
    (folder / ".gitattributes").write_text("*  filter=own\n")
    quiet = {"cwd": folder, "check": True, "timeout": 60, "capture_output": True, "stdin": subprocess.DEVNULL}
    subprocess.run(["git", "status", "--porcelain"], **quiet)
    assert ran.exists(), "the trap does not work"
    ran.unlink()
    for place in (folder, tmp_path):
        (place / ".env").write_text("INSPECT_LOG_DIR=taken\nHTTPS_PROXY=http://127.0.0.1:9\nOF_STRANGER=1\n")
    line = "answer = state.output.completion.strip()"
    file = TASK_FILE.replace(line, f"assert 'OF_STRANGER' not in os.environ\n        {line}", 1)
    (folder / "tasks.py").write_text(f"import os\n{file}")
    # inspect-ai itself runs no git in a test
    environment = {name: value for name, value in world.environment.items() if name != "PYTEST_CURRENT_TEST"}
    done = subprocess.run(
        world.command("plain", "--output-dir", str(tmp_path / "out")),
        cwd=folder, env=environment, capture_output=True, text=True, timeout=400, check=False,
    )  # fmt: skip
    assert not ran.exists()
    assert done.returncode == 0, done.stderr
    assert not (folder / "taken").exists() and not (tmp_path / "taken").exists()
