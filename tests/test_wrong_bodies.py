"""Answers that are none (200 with null, {}, [], text, HTML, nothing) to every request of every command on the Hub.

A command is run once to learn what it asks; then once for each request and each wrong body, from the same beginning.
It may end in any documented way; it may not end in a traceback, and what it says names what was asked and what came.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import leaderboard as board
import pytest
import run_eval_job as providers
import run_vllm_eval_job as jobs
from leaderboard_data import fill_hub, write_made_up
from local_hub import LocalHub, local_hub
from local_jobs import Ending, Pretend
from test_jobs import model_files, successful

# What differs between two requests for the same thing.
NAMES = re.compile(
    r"[0-9a-f]{64}|[0-9a-f]{40}|[0-9a-f]{24}|%2F|(?<=model-)\d+|[0-9a-f-]{36}"
    r"|(?<=/datasets/)(?!me/)[\w.-]+/[\w.-]+(?=/leaderboard|/raw/)"
)
TOLD = ("was answered 200 with", "does not say whose token", "the Hub's answer is", "Consistency check", "/resolve/")
TOLD += ("not what the Hub says",)
FORMS = ("null", "object", "list", "html")
# The content store of Xet: its client, a library of its own, waits minutes before it gives up.
os.environ |= {"HF_XET_CLIENT_RETRY_MAX_ATTEMPTS": "1", "HF_XET_CLIENT_RETRY_BASE_DELAY": "1ms"}
STORAGE = r"/v[12]/(?:xorbs|xorb-grants|shards|chunks|reconstructions)|/lfs/|.*/xet-write-token"
SUBMIT = ["--model", "me/lm-step_1", "--task", "gsm8k|5", "--run-id", "r1", "--yes"]


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (board, jobs, providers):
        monkeypatch.setattr(module, "FIRST_WAIT", 0.0)
    for module in (jobs, providers):
        monkeypatch.setattr(module, "POLL_SECONDS", 0.0)
    monkeypatch.setattr("time.sleep", lambda seconds: None)


def job_hub(hub: LocalHub) -> None:
    hub.create_repo("me/lm-step_1", files=model_files())
    hub.jobs.runner = successful(hub)


def submitted(hub: LocalHub) -> None:
    job_hub(hub)
    assert jobs.main(SUBMIT) == 0


def ended(hub: LocalHub) -> None:
    submitted(hub)
    assert jobs.main(["wait", "r1"]) == 0


def failed(hub: LocalHub) -> None:
    job_hub(hub)
    hub.jobs.runner = Pretend(lambda job: Ending(stage="ERROR", logs=["CUDA out of memory"]))
    assert jobs.main(SUBMIT) == 0


def data_to_push(hub: LocalHub) -> None:
    write_made_up(Path("leaderboard"), 30)


def boards(hub: LocalHub) -> None:
    for dataset_id, task in (("openai/gsm8k", "gsm8k"), ("cais/hle", "hle")):
        hub.create_benchmark(dataset_id, [task])
    fill_hub(hub, 4)


COMMANDS = {
    "submit": (jobs, job_hub, SUBMIT),
    "submit to providers": (providers, job_hub, [*SUBMIT[:3], "gsm8k", *SUBMIT[4:]]),
    "status": (jobs, submitted, ["status", "r1"]),
    "wait": (jobs, submitted, ["wait", "r1"]),
    "logs": (jobs, failed, ["logs", "r1"]),
    "cancel": (jobs, submitted, ["cancel", "r1"]),
    "collect records": (jobs, ended, ["collect", "r1", "--output-dir", "results"]),
    "collect": (board, boards, ["collect", "--author", "lab"]),
    "collect official": (board, boards, ["collect", "--official"]),
    "push": (board, data_to_push, ["push", "--dataset", "me/data", "--space", "me/board", "--apply"]),
}


@contextmanager
def beginning(folder: Path, prepare: Callable[[LocalHub], None], monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalHub]:
    """A Hub and an empty folder in which a command can start."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with local_hub(folder / "home") as hub:
        (folder / "here").mkdir()
        monkeypatch.chdir(folder / "here")
        monkeypatch.setenv("HF_TOKEN", hub.token)
        prepare(hub)
        hub.requests.clear()
        yield hub


@pytest.mark.parametrize("name", COMMANDS)
def test_no_body_brings_a_command_down(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module, prepare, argv = COMMANDS[name]
    with beginning(tmp_path / "learn", prepare, monkeypatch) as hub:
        assert module.main(argv) in (0, 1), capsys.readouterr().err
        asked = {(r.method, NAMES.sub("*", r.path.partition("?")[0])) for r in hub.requests}
        asked = {(method, path) for method, path in asked if not re.match(STORAGE, path)}
    wrong = []
    for method, path in sorted(asked):
        pattern = re.escape(path).replace(r"\*", ".*") + r"(\?|$)"
        for form in FORMS:
            with beginning(tmp_path / "try", prepare, monkeypatch) as hub:
                fault = hub.wrong(method, pattern, form, times=99)
                capsys.readouterr()
                code = module.main(argv)
                err = capsys.readouterr().err
            told = any(words in err for words in TOLD)
            bad = code not in (0, 1, 2, 3) or "Traceback" in err or "fault of" in err
            if bad or not fault.seen or (code == 2 and path.startswith("/api/") and form != "list" and not told):
                wrong.append(f"{method} {path} {form}: {code} {fault.seen} {err[-300:]}")
    assert wrong == []
