#!/usr/bin/env -S uv run --script
# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "httpx2>=2,<3",
#     "huggingface_hub>=2.2,<3",
#     "orjson>=3.10,<4",
#     "python-dotenv>=1.1,<2",
#     "rich>=14,<16",
#     "tenacity>=9,<10",
# ]
# ///
"""Evaluate models of Inference Providers from a CPU of Hugging Face Jobs, so that this machine need not stay on.

Sends inspect_eval_uv.py, which asks the providers, and keeps the plan and the state of every job in
RUNS_DIR/RUN_ID/run.json. Each job puts its records into a private data set; `collect` brings them home, checked. The
Hub token travels as a secret of the job; its account pays the hardware and the providers' tokens. A run that was
stopped, or of which jobs failed, goes on with --run-id RUN_ID: nothing is run twice.

Examples:

    # what would be sent, for how much; nothing is sent
    uv run scripts/run_eval_job.py --model Qwen/Qwen3-8B --task gsm8k --limit 50 --dry-run

    # send it, then follow it, then bring the records home
    uv run scripts/run_eval_job.py --model Qwen/Qwen3-8B --task gsm8k mmlu --provider nscale --run-id qwen --yes
    uv run scripts/run_eval_job.py wait qwen
    uv run scripts/run_eval_job.py collect qwen --output-dir results

    # each model in a job of its own, answers of at most 2,000 tokens, and 20 dollars at most
    uv run scripts/run_eval_job.py --model Qwen/Qwen3-8B openai/gpt-oss-20b --task gsm8k \\
        --split model --max-tokens 2000 --max-cost 20 --yes

    # look, read a log, stop, send again what failed
    uv run scripts/run_eval_job.py status qwen
    uv run scripts/run_eval_job.py logs qwen --tail 100
    uv run scripts/run_eval_job.py cancel qwen
    uv run scripts/run_eval_job.py --run-id qwen --yes

Exit codes: 0 done (wait: all jobs succeeded; collect: nothing is missing); 1 the answer is no (wait: some jobs failed;
collect: some records are missing; the run could cost more than --max-cost); 2 it could not be done (usage, unknown
hardware, network, permission, payment); 3 a decision is needed (paid jobs without --yes, a --timeout below the
estimate, --max-cost where the tokens have no ceiling).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence


def check_arguments(args: argparse.Namespace) -> None:
    """What argparse cannot know."""
    with_questions(args)
    if not args.run_id and not (args.model and args.task):
        missing = "--model" if not args.model else "--task"
        raise ScriptError(
            f"{missing} is missing: give --model and --task (or --questions), or --run-id of a run to go on with"
        )
    if bool(args.model) != bool(args.task):
        raise ScriptError("--model and --task belong together: give both, or neither with --run-id")
    if any("|" in task for task in args.task or []):
        raise ScriptError("--task: inspect's tasks have no number of shots: gsm8k, not gsm8k|5")
    check_submission(args)


def run(args: argparse.Namespace) -> int:
    """Submit, which is what no verb means."""
    check_arguments(args)
    return submit(args, plan_provider_run, token_prices_now)


def build_parser() -> argparse.ArgumentParser:
    parser = CommandLine(description=__doc__)
    parser.rarely(
        "--map", "--score", "--template", "--shots-from", "--shots", "--image", "--adopt", "--runs-dir", "--namespace"
    )
    add = parser.add_argument
    add("--model", nargs="+", metavar="M", help="Hub ids of models that a provider serves")
    add("--task", "--tasks", nargs="+", metavar="T", help="tasks of inspect_evals, such as gsm8k")
    add("--provider", metavar="P", help="nscale, together, ..., fastest or cheapest; default: the account's own order")
    add("--hardware", default="cpu-basic", metavar="FLAVOR", help="a flavor of Jobs; default: cpu-basic")
    add("--max-connections", type=int, metavar="N", help=f"requests under way together; default: {DEFAULT_CONNECTIONS}")
    add("--temperature", type=float, metavar="T", help="default: the task's own, else 0")
    add("--max-tokens", type=int, metavar="N", help="of an answer; default: the task's own, else the provider's")
    add_question_options(parser)
    add_submission(parser)
    add_verbs(parser)
    parser.set_defaults(run=run, parser=parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code is the answer."""
    return run_main(build_parser(), argv)


# Written in parts/ and put here by `uv run parts/assemble.py`: change it there.
# [cog[
# import assemble
# assemble.include(
#     "command_line", "frame", "jobs.commands", "jobs.own_questions", "jobs.providers", "names"
# )
# ]cog]

import collections
import contextlib
import csv
import difflib
import errno
import fnmatch
import functools
import gc
import glob
import gzip
import hashlib
import hmac
import importlib
import io
import itertools
import json
import math
import mmap
import os
import re
import secrets
import shlex
import shutil
import signal
import stat
import string
import struct
import sys
import tempfile
import textwrap
import threading
import time
import traceback
import unicodedata
import warnings
import zipfile
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Container, Hashable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import partial
from itertools import count, pairwise
from pathlib import Path, PurePosixPath
from statistics import NormalDist
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, NoReturn, TextIO, TypeVar
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


# --- parts/hub/access.py ----------------------------------------------------------------------------------------------

HUB_REASONS = {
    401: f"the token is not valid; {LOG_IN} again",
    403: "the Hub does not permit it; a token needs write permission for the repo",
    404: "no such repo, or no access to it",
    409: "the Hub refused it as a conflict",
    412: "the repo has moved on meanwhile",
    413: "too large for the Hub",
    429: "too many requests; wait some minutes",
}


@contextlib.contextmanager
def hub_errors(doing: str, token: str) -> Iterator[None]:
    """Turn the Hub client's errors into one line that says what failed."""
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    watch_answers()
    try:
        yield
    except ScriptError:
        raise
    except HFValidationError as error:
        raise ScriptError(f"{doing}: {str(error).splitlines()[0]}") from error
    except (OSError, RuntimeError, httpx2.HTTPError) as error:  # RuntimeError: an upload failed, its cause says why
        cause: BaseException | None = error
        while cause and not isinstance(cause, HfHubHTTPError):
            cause = cause.__cause__
        if cause is None:
            local = getattr(error, "filename", None)
            what = f"{local}: {error.strerror}" if local else f"the connection failed ({type(error).__name__})"
            what = f"the connection failed ({single_line(error)[:80]}){NO_SUCH_HOST}" if no_such_host(error) else what
            raise ScriptError(f"{doing}: {what}") from error
        status = cause.response.status_code if cause.response is not None else None
        said = " ".join(str(cause.server_message or "").replace(token, "***").split())[:200]
        reason = HUB_REASONS.get(status, f"the Hub answered {status}") + (f" ({said})" if said else "")
        raise ScriptError(f"{doing}: {reason}") from error
    except UNEXPECTED as error:
        raise ScriptError(f"{doing}: {unexpected_answer(error)}") from error


def unexpected_answer(error: BaseException) -> str:
    """What an error of the client about an answer means: the Hub refuses the card, or answers in another form."""
    said = single_line(error)[:300]
    if isinstance(error, json.JSONDecodeError):
        return f"{answer_told()}, which is not JSON; is HF_ENDPOINT right?"
    if isinstance(error, ValueError) and "metadata" in said.lower():
        return f"the Hub refuses the card's metadata as it is: {said}; correct the card first"
    why = f"{type(error).__name__}: {said}"[:120]
    return f"{answer_told()}, which is not the form that the Hub's API documents ({why})"


def check_write_access(identity: Mapping[str, Any], repo_id: str, create_pr: bool) -> None:
    """ScriptError when whoami says that this token may not write to the repo."""
    identity = known_identity(identity, f"writing to {repo_id}")
    owner = repo_id.split("/")[0]
    token = (identity.get("auth") or {}).get("accessToken") or {}
    make = "make one with write permission at https://huggingface.co/settings/tokens"
    if token.get("role") == "read":
        raise ScriptError(f"the token may only read; {make}")
    if token.get("role") == "fineGrained":
        granted = token.get("fineGrained") or {}
        own = [s for s in granted.get("scoped") or () if (s.get("entity") or {}).get("name") in (owner, repo_id)]
        permissions = {*(granted.get("global") or ()), *(p for s in own for p in s.get("permissions") or ())}
        if not permissions & {"repo.write", *(["discussion.write"] if create_pr else [])}:
            raise ScriptError(f"the fine-grained token has no repo.write permission for {repo_id}; {make}")
    roles = {str(org.get("name")): org.get("roleInOrg") for org in identity.get("orgs") or []}
    if not create_pr and owner != identity.get("name") and roles.get(owner, "read") == "read":
        raise ScriptError(f"{identity.get('name')} may not write to {owner}; choose another owner, or use --create-pr")


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


# --- parts/jobs/vocabulary.py -----------------------------------------------------------------------------------------

RUN_SCHEMA = "2"  # of run.json and of what --json prints
PLANNED = "PLANNED"
FINISHED = ("COMPLETED", "ERROR", "CANCELED", "DELETED")
NOT_KNOWN = -1  # seconds of a timeout, dollars of a job
GONE = "the Hub does not know this job any more"
RUN_LABEL, JOB_LABEL, ATTEMPT_LABEL, TIMEOUT_LABEL = "eval-run", "eval-job", "eval-attempt", "eval-timeout"
JOB_ENVIRONMENT = {"PYTHONUNBUFFERED": "1"}  # so that the log shows lines as they are printed
# What a job runs first: its files lie in a bucket until it starts, and others of an organization may write there. Each
# is read once, compared with the hash in the command (which the Hub keeps, and the bucket does not), and run from a
# fresh folder, where nobody has laid a uv.toml beside it.
CHECKED_RUN = """\
import hashlib, os, sys, tempfile
at, folder = sys.argv.index("--"), os.path.join(tempfile.mkdtemp(), "data")
hashes, words = sys.argv[LINES:at], sys.argv[at + 1 :]
os.mkdir(folder)
for number, digest in (text.split(":") for text in hashes):
    name = words[int(number)]
    with open(name, "rb") as file:
        data = file.read()
    if hashlib.sha256(data).hexdigest() != digest:
        sys.exit("error: " + name + " is not the file that was sent: somebody else has changed it; nothing was run")
    words[int(number)] = os.path.join(folder, os.path.basename(name))
    with open(words[int(number)], "wb") as file:
        file.write(data)
os.execvp("uv", ["uv", "run"] + words)
"""
CHECK_LINES = CHECKED_RUN.replace("LINES", str(CHECKED_RUN.count("\n") + 1)).splitlines()
# Behind `uv run`, before the hashes, "--" and the words. Line by line: the client asks of each word if it is a file.
CHECKED_WORDS = (
    *("--no-project", "python", "-I", "-c"),
    f"import sys; exec('\\n'.join(sys.argv[1:{len(CHECK_LINES) + 1}]))",
    *CHECK_LINES,
)
WORDS_HASH = re.compile(r"\d{1,6}:[0-9a-f]{64}")  # the number of a word, and the SHA-256 of its file
DEFAULT_TIMEOUT = "3h"
PROVIDER_SCRIPT = "inspect_eval_uv.py"  # asks the Inference Providers, which are paid by tokens
SHOWN_LINES = 30  # of a failed job
# Names that stand in an address of the Hub: none that a client would resolve to another place.
ACCOUNT = re.compile(r"(?!\.+\Z)[\w.-]+")
DATA_SET = re.compile(r"(?!\.+/)[\w.-]+/(?!\.+\Z)[\w.-]+")
JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,4}(?=[smhd]))?)([smhd]?)", re.ASCII)  # as the client reads it

# What ends the names of a run's checkpoints: "-step_100", "_checkpoint-500", "-epoch3".
CHECKPOINT_SUFFIX = re.compile(
    r"[-_.](?:global[-_]?step|steps?|iter(?:ation)?|checkpoint|ckpt|epoch)[-_=]?\d{1,15}(?:[-_]hf)?$", re.IGNORECASE
)

AUTO = "auto"
ROOM = 0.9  # the share of a GPU that vLLM takes (gpu_memory_utilization)
GUESSED_CACHE = 0.1  # of the weights, for the longest request of a model whose configuration is not known

# Flavors of Jobs, for planning without the Hub: name, GPU, GPUs, GB of one GPU, GB of RAM, dollars per hour. RAM is 0
# where it is not known.
FLAVORS_DATE = "August 2026"

# By parameters alone, when only a model's name says something: below 3, 13, 34 billion, and the rest. A floor: where
# the weights do not fit, the estimate decides.
FLAVOR_BY_SIZE = ((3e9, "t4-small"), (13e9, "a10g-small"), (34e9, "a10g-large"), (math.inf, "a100-large"))


@dataclass(frozen=True)
class Flavor:
    """A kind of machine that Jobs lends: GPU memory of one GPU and RAM in GB (10^9 bytes), dollars per hour."""

    name: str
    gpu: str
    gpus: int
    gpu_memory: float
    ram: float
    price: float
    disk: float | None = None

    def __str__(self) -> str:
        what = f"{self.gpus} x {self.gpu} {self.gpu_memory:g} GB" if self.gpus else f"CPU, {self.ram:g} GB RAM"
        return f"{self.name} ({what}, ${self.price:.2f}/h)"


@dataclass(frozen=True)
class Catalog:
    """The flavors there are, and where the list is from; `known`: the Hub has just said it."""

    flavors: tuple[Flavor, ...]
    source: str
    known: bool = True

    def find(self, name: str) -> Flavor:
        for flavor in self.flavors:
            if flavor.name == name:
                return flavor
        raise ScriptError(f"--hardware {name}: no such flavor; there are {', '.join(f.name for f in self.flavors)}")


@dataclass(frozen=True)
class EvalJob:
    """One job of a run: what it evaluates, on what, and what that may take; `folder` is its place in the data set.

    `price` is the hardware's, in dollars per hour; `tokens_usd` what a provider may ask for the tokens, and
    `tokens_at_most` if every answer is as long as it may be: None where nothing bounds it, or no price is known.
    """

    name: str
    models: tuple[str, ...]
    tasks: tuple[str, ...]
    arguments: tuple[str, ...]
    folder: str
    flavor: str
    price: float
    hours: float
    tokens_usd: float = 0.0
    tokens_at_most: float | None = 0.0

    @property
    def dollars(self) -> float:
        return self.price * self.hours + self.tokens_usd


@dataclass(frozen=True)
class JobState:
    """What became of a job: `stage` is PLANNED before it is sent, then what the Hub says; `seconds` it ran.

    `tries`: what each job on the Hub that was sent for it has cost so far, in dollars (NOT_KNOWN: on hardware whose
    price nobody says); `timeout` (NOT_KNOWN: of a job that another hand has sent), `flavor`, `price`: of the last;
    `measured`: its records are home, all of them, however it ended.
    """

    stage: str = PLANNED
    job_id: str | None = None
    url: str | None = None
    attempt: int = 0
    seconds: float = 0.0
    tries: dict[str, float] = field(default_factory=dict)
    message: str | None = None
    cause: str | None = None
    log: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    measured: bool = False
    flavor: str | None = None
    price: float | None = None
    timeout: int | None = None

    @property
    def spent(self) -> float:
        """Dollars, of all tries whose price is known."""
        return sum(usd for usd in self.tries.values() if usd != NOT_KNOWN)

    @property
    def unpriced(self) -> bool:
        """Whether a try of it ran, or runs, on hardware whose price nobody says."""
        return NOT_KNOWN in self.tries.values()

    @property
    def active(self) -> bool:
        return self.job_id is not None and self.stage not in FINISHED

    @property
    def succeeded(self) -> bool:
        return self.measured or (self.stage == "COMPLETED" and not self.missing)

    @property
    def failed(self) -> bool:
        return self.stage in FINISHED and not self.succeeded

    @property
    def canceled(self) -> bool:
        """Whether somebody wanted it to end: it is not sent again unless that is asked for."""
        return self.stage == "CANCELED" and not self.succeeded

    def at_most(self, job: EvalJob, timeout: int) -> float | None:
        """Dollars that its tries can have cost when the last one has ended; None where nothing bounds that."""
        if not self.tries and not self.active:
            return 0.0
        if self.unpriced or (self.active and self.timeout == NOT_KNOWN):
            return None
        now = (
            (job.price if self.price is None else self.price) * (self.timeout or timeout) / 3600 if self.active else 0.0
        )
        hardware = sum(usd for name, usd in self.tries.items() if name != self.job_id)
        hardware += max(self.tries.get(self.job_id or "", 0.0), now)
        return None if job.tokens_at_most is None else hardware + job.tokens_at_most * max(1, len(self.tries))


@dataclass
class EvalRun:
    """A run on Jobs: the plan, which stays, and the state of every job, which moves. This is what run.json holds.

    `packages`: in exact versions; `files`: the user's own files that travel with the jobs or are uploaded for them, and
    their SHA-256; `agreed`: the jobs that were shown and agreed to, while they are sent (not kept).
    """

    run_id: str
    script: str
    namespace: str
    results_repo: str
    timeout: str
    image: str | None
    packages: tuple[str, ...]
    jobs: tuple[EvalJob, ...]
    states: dict[str, JobState]
    notes: tuple[str, ...] = ()
    owner: str = ""  # the account whose token planned it
    max_cost: float | None = None
    files: dict[str, str] = field(default_factory=dict)
    script_sha256: str = ""  # of the script as it was sent, beside run.json
    uploads: dict[str, str] = field(default_factory=dict)  # places on the Hub, and the folders here that go there
    prices_known: bool = True  # whether the Hub has said them
    canceled_too: bool = False  # whether canceled jobs are sent again as well
    agreed: tuple[str, ...] | None = None
    refused: tuple[str, ...] = ()  # models that were asked for, too, and cannot run, with the reason (not kept)
    token_prices: dict[str, float] = field(default_factory=dict)  # of a provider, as planned: dollars for a million
    seals_results: bool = False  # whether its jobs seal their records, with a key that nobody else has

    def rows(self) -> list[tuple[EvalJob, JobState]]:
        return [(job, self.states[job.name]) for job in self.jobs]

    @property
    def travelling(self) -> dict[str, str]:
        """Those of the files that go with a job: the client sends each argument that is a file's name."""
        words = {word for job in self.jobs for word in job.arguments}
        return {name: digest for name, digest in self.files.items() if name in words}

    @property
    def waiting(self) -> list[EvalJob]:
        """Jobs that were never sent, or have to be sent again; canceled ones only when that is asked for, and of what
        was agreed to nothing else."""
        canceled = self.canceled_too
        return [
            job
            for job, state in self.rows()
            if (state.stage == PLANNED or (state.failed and (canceled or not state.canceled)))
            and (self.agreed is None or job.name in self.agreed)
        ]

    @property
    def spent(self) -> float:
        """Dollars that the jobs' hardware has cost so far."""
        return sum(state.spent for state in self.states.values())

    @property
    def ceiling(self) -> float | None:
        """Dollars when every job that waits runs into its timeout; None where tokens have no known ceiling."""
        each = [
            None
            if job.tokens_at_most is None
            else job.price * duration_seconds(self.timeout) / 3600 + job.tokens_at_most
            for job in self.waiting
        ]
        return None if None in each else sum(each)

    @property
    def committed(self) -> float | None:
        """Dollars that were spent, and that the jobs which run can cost at most."""
        each = [state.at_most(job, duration_seconds(self.timeout)) for job, state in self.rows()]
        return None if None in each else sum(each)

    @property
    def at_most(self) -> float | None:
        """Dollars that the run can cost in the end: spent, running, and to be sent."""
        return None if self.ceiling is None or self.committed is None else self.ceiling + self.committed

    @property
    def dollars(self) -> float:
        """Dollars that the jobs which wait are estimated to cost."""
        return sum(job.dollars for job in self.waiting)


@dataclass(frozen=True)
class Collected:
    """What `collect` found of one job: paths of records, tasks without one, what was wrong.

    `replaced`: records that are not sound, beside one of the same task that is.
    """

    records: tuple[str, ...]
    missing: tuple[str, ...]
    problems: tuple[str, ...]
    replaced: tuple[str, ...] = ()


@dataclass(frozen=True)
class ModelFacts:
    """What is known about a model: sizes in bytes, the cache of one token, the tokens of its longest request.

    parameters: those that the weights stand for, packed or not; active: those that one token goes through; refusal: why
    it cannot be run at all; files: of a folder that is uploaded, and their SHA-256.
    """

    model: str
    parameters: float | None
    weights: float | None
    types: tuple[str, ...] = ()
    cache_per_token: float | None = None
    longest: int | None = None
    heads: int | None = None
    cache_heads: int | None = None
    source: str = ""
    active: float | None = None
    refusal: str | None = None
    is_adapter: bool = False
    files: dict[str, str] = field(default_factory=dict)

    @property
    def cache(self) -> float:
        """Bytes of the KV cache for the longest request; a guess when the configuration is not known."""
        if self.cache_per_token is None or self.longest is None:
            return GUESSED_CACHE * (self.weights or 0)
        return self.cache_per_token * self.longest


@dataclass(frozen=True)
class Placement:
    """The hardware of a job, how many GPUs share one model, and why."""

    flavor: Flavor
    tensor_parallel_size: int
    why: str


@dataclass(frozen=True)
class Wish:
    """What the user asked of the hardware; `share` of a GPU is what vLLM may take."""

    backend: str
    hardware: str = AUTO
    tensor_parallel_size: int | None = None
    dtype: str | None = None
    share: float = ROOM
    force: bool = False


FLAVORS = (
    Flavor("cpu-basic", "", 0, 0, 16, 0.01),
    Flavor("cpu-upgrade", "", 0, 0, 32, 0.03),
    Flavor("t4-small", "T4", 1, 16, 0, 0.40),
    Flavor("t4-medium", "T4", 1, 16, 0, 0.60),
    Flavor("l4x1", "L4", 1, 24, 0, 0.80),
    Flavor("l4x4", "L4", 4, 24, 0, 3.80),
    Flavor("l40sx1", "L40S", 1, 48, 0, 1.80),
    Flavor("l40sx4", "L40S", 4, 48, 0, 8.30),
    Flavor("l40sx8", "L40S", 8, 48, 0, 23.50),
    Flavor("a10g-small", "A10G", 1, 24, 0, 1.00),
    Flavor("a10g-large", "A10G", 1, 24, 0, 1.50),
    Flavor("a10g-largex2", "A10G", 2, 24, 0, 3.00),
    Flavor("a10g-largex4", "A10G", 4, 24, 0, 5.00),
    Flavor("a100-large", "A100", 1, 80, 0, 2.50),
    Flavor("a100x4", "A100", 4, 80, 0, 10.00),
    Flavor("a100x8", "A100", 8, 80, 0, 20.00),
    Flavor("h200", "H200", 1, 141, 0, 5.00),
    Flavor("h200x2", "H200", 2, 141, 0, 10.00),
    Flavor("h200x4", "H200", 4, 141, 0, 20.00),
    Flavor("h200x8", "H200", 8, 141, 0, 40.00),
    Flavor("rtx-pro-6000", "RTX PRO 6000", 1, 96, 0, 2.75),
    Flavor("rtx-pro-6000x2", "RTX PRO 6000", 2, 96, 0, 5.50),
    Flavor("rtx-pro-6000x4", "RTX PRO 6000", 4, 96, 0, 11.00),
    Flavor("rtx-pro-6000x8", "RTX PRO 6000", 8, 96, 0, 22.00),
)


BUILT_IN = Catalog(FLAVORS, f"the built-in list of {FLAVORS_DATE}: check the prices before you send anything", False)


def label_value(text: str) -> str:
    """A text as the Hub allows it in a label: at most 100 letters, digits, dashes and underscores."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-")[:100] or "unnamed"


def duration_seconds(duration: str) -> int:
    """A timeout in seconds: "90" -> 90    "5m" -> 300    "3h" -> 10800    "1.5d" -> 129600"""
    match = DURATION.fullmatch(duration)
    seconds = float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}[match[2]] if match else 0
    if not 1 <= seconds < 1e9:
        raise ScriptError(f"--timeout {duration}: write a number and s, m, h or d, for instance 90m or 3h")
    return int(seconds)


def split_place(model: str) -> tuple[str, str, str | None]:
    """Repository, folder in it, and revision.

    "me/lm@step100" -> ("me/lm", "", "step100");  "me/lm/checkpoint-500" -> ("me/lm", "checkpoint-500", None)
    """
    place = HUB_PLACE.fullmatch(model)
    return (place["repo"], place["below"].strip("/"), place["revision"]) if place else (model, "", None)


def family(model: str) -> str:
    """What the checkpoints of one model have in common.

    "me/lm@step100", "me/lm/checkpoint-500" -> "me/lm"    "me/lm-step_100" -> "me/lm"    "me/lm-7b" -> "me/lm-7b"
    """
    name = split_place(model)[0]
    return CHECKPOINT_SUFFIX.sub("", name) or name


def matrix(models: Sequence[str], tasks: Sequence[str], split: str) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """The jobs' (models, tasks): checkpoints of one model together, or apart by `model`, `task` or `both`."""
    groups: dict[str, list[str]] = {}
    for model in models:
        groups.setdefault(model if split in ("model", "both") else family(model), []).append(model)
    shares = [(task,) for task in tasks] if split in ("task", "both") else [tuple(tasks)]
    return [(tuple(group), share) for group in groups.values() for share in shares]


def job_name(models: Sequence[str], tasks: Sequence[str], settings: Sequence[str]) -> str:
    """A name that says what a job does and is another one for every other job; letters, digits, dashes, underscores."""
    one = models[0] if len(models) == 1 else f"{family(models[0])}-{len(models)}-models"
    what = plain_task(tasks[0]) if len(tasks) == 1 else f"{len(tasks)}-tasks"
    digest = hashlib.sha256(json.dumps([models, tasks, settings]).encode()).hexdigest()[:8]
    return f"{label_value(one.split('/')[-1])[:50]}-{label_value(what)[:30]}-{digest}"


def plain_task(task: str) -> str:
    """A task without suite and shots: "leaderboard|gsm8k|5" -> gsm8k    "inspect_evals/gsm8k" -> gsm8k"""
    parts = [part.strip() for part in task.split("|")]
    while len(parts) > 1 and parts[-1].isdecimal():
        parts.pop()
    return parts[-1].rsplit("/", 1)[-1]


def task_shots(task: str) -> int | None:
    """The number of examples that a task string asks for: "gsm8k|5" -> 5    "leaderboard|gsm8k|5|0" -> 5"""
    numbers = [part for part in task.split("|")[1:] if part.strip().isdecimal()]
    return int(numbers[0]) if numbers else None


def task_key(task: str) -> str:
    """A task's name for comparing: "inspect_evals/GSM8K" -> gsm8k    "arc:easy|0" -> arc_easy"""
    return re.sub(r"[^a-z0-9]+", "_", plain_task(task).lower()).strip("_")


def money(amount: float) -> str:
    """ "$0.05", or "under $0.01" for what is not nothing."""
    return "under $0.01" if 0 < amount < 0.005 else f"${amount:,.2f}"


def duration_text(seconds: float) -> str:
    """ "42 s", "12 min", "3.5 h" """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def names_text(names: Sequence[str]) -> str:
    """A few names, or the first and how many more."""
    return ", ".join(names) if len(names) <= 2 else f"{names[0]} and {len(names) - 1} more"


def flavor_by_size(parameters: float) -> str:
    """The flavor for a size of which only the name tells."""
    return next(flavor for below, flavor in FLAVOR_BY_SIZE if parameters < below)


def new_run_id() -> str:
    """A name for a run that no other has: the time and a few random characters."""
    return f"eval-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(2)}"


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


# --- parts/jobs/client.py ---------------------------------------------------------------------------------------------

JOB_REASONS = {
    400: "the Hub does not accept it",
    401: f"the token is not valid; {LOG_IN} again",
    402: "add a payment method or credits at https://huggingface.co/settings/billing, or take cheaper --hardware",
    403: "the token may not do this: it needs permission to run jobs (job.write) and to write to the data set, both in "
    "this namespace: https://huggingface.co/settings/tokens",
    404: "no such account, job or data set, or no access to it",
    429: "too many requests, or jobs at a time: wait some minutes, or give --max-parallel N",
}


UNITS_OF_AN_HOUR = {"minute": 60, "hour": 1, "second": 3600}  # a price of any other unit is none


def job_labels(run: EvalRun, job: EvalJob, attempt: int) -> dict[str, str]:
    """The labels by which a job is found again, whoever lost run.json."""
    model = family(job.models[0]) if len(job.models) > 1 else job.models[0]
    task = plain_task(job.tasks[0]) if len(job.tasks) == 1 else f"{len(job.tasks)}-tasks"
    found = {RUN_LABEL: run.run_id, JOB_LABEL: job.name, ATTEMPT_LABEL: str(attempt), "model": model, "task": task}
    found[TIMEOUT_LABEL] = str(duration_seconds(run.timeout))  # which the Hub does not tell
    return {name: label_value(value) for name, value in found.items()} | {"name": label_value(job.name)}


class HubAway(ScriptError):
    """The Hub could not be asked, for now: nothing is known to have changed, and a later try may be answered."""


def behind(error: BaseException) -> BaseException:
    """The Hub's answer that an error comes from, such as that of a failed upload; itself when there is none."""
    from huggingface_hub.errors import HfHubHTTPError

    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, HfHubHTTPError):
        cause = cause.__cause__ or cause.__context__
    return cause or error


def refused_upload(error: BaseException) -> int | None:
    """The status with which a bucket refused a script, for the client's uploader tells it in its text alone."""
    found = re.search(r"(?<!\d)(40[123])\W+(?:Unauthorized|Payment Required|Forbidden)", str(error))
    return int(found[1]) if found else None


@contextlib.contextmanager
def job_errors(doing: str, token: str) -> Iterator[None]:
    """Turn what the Hub's client raises into one line that says what failed and what to do."""
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    watch_answers()
    try:
        yield
    except ScriptError:
        raise
    except HFValidationError as error:
        raise ScriptError(f"{doing}: {str(error).splitlines()[0]}") from error
    except (HfHubHTTPError, httpx2.HTTPError, OSError, RuntimeError) as error:  # RuntimeError: the script's upload
        answer = behind(error)
        response = getattr(answer, "response", None) if isinstance(answer, HfHubHTTPError) else None
        status = response.status_code if response is not None else refused_upload(error)
        said = str(getattr(answer, "server_message", None) or ("" if status else error)).replace(token, "***")
        said = scrub(" ".join(said.split()))[:200]
        if status is None:
            raise HubAway(f"{doing}: the connection failed ({said or type(error).__name__})") from error
        advice = JOB_REASONS.get(status, f"the Hub answered {status}")
        away = isinstance(answer, HfHubHTTPError) and worth_repeating(answer)
        raise (HubAway if away else ScriptError)(f"{doing}: {said + ': ' if said else ''}{advice}") from error
    except UNEXPECTED as error:
        raise ScriptError(scrub(f"{doing}: {unexpected_answer(error)}")) from error


class JobsClient:
    """The Hub's Jobs API as one account uses it; what is refused for now is asked again."""

    def __init__(self, token: str, namespace: str | None) -> None:
        import logging

        from huggingface_hub import HfApi
        from huggingface_hub.utils import disable_progress_bars

        disable_progress_bars()
        logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
        self.token = token
        self.api = HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None, token=token)
        self.namespace = namespace or self.account()
        if not ACCOUNT.fullmatch(self.namespace):
            raise ScriptError(f"{single_line(self.namespace)[:60]!r} is no account's name")
        self.prices: dict[str, float] | None = None
        self.refused: set[str] = set()  # ids of jobs that bear our labels and are not ours: each is said once

    def account(self) -> str:
        """The name of the token's owner."""
        with job_errors("asking the Hub who you are", self.token):
            return known_identity(self.patiently(self.api.whoami), "asking the Hub who you are")["name"]

    @functools.cached_property
    def user(self) -> str:
        """The account, asked once."""
        return self.account()

    def patiently(self, call: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Call, and call again on 429, 5xx and broken connections, when the Hub says."""
        import tenacity

        again = tenacity.Retrying(
            retry=tenacity.retry_if_exception(worth_repeating),
            wait=seconds_to_wait,
            stop=tenacity.stop_after_attempt(MAX_TRIES),
            reraise=True,
        )
        return again(call, *args, **options)

    def clean(self, text: str) -> str:
        """A line from the Hub without tokens and control characters."""
        return scrub(printable(text).replace(self.token, "***"))

    def catalog(self) -> Catalog:
        """The flavors there are now."""
        with job_errors("asking for the hardware of Jobs", self.token):
            rows = self.patiently(listed, self.api.list_jobs_hardware)
            if not rows:
                raise ScriptError("asking for the hardware of Jobs: the Hub lists none")
            priced = [row for row in rows if is_price(row.unit_cost_usd) and str(row.unit_label) in UNITS_OF_AN_HOUR]
            if not priced:
                raise ScriptError("asking for the hardware of Jobs: the Hub names no price of any", code=3)
            return Catalog(tuple(map(flavor_from_hub, priced)), "the Hub's list of today")

    def price(self, flavor: str) -> float | None:
        """Today's dollars for an hour of a flavor; None for one that there is no more, or that has no price."""
        if self.prices is None:
            self.prices = {row.name: row.price for row in self.catalog().flavors}
        return self.prices.get(flavor)

    def jobs_of(self, run_id: str) -> dict[str, list[Any]]:
        """The jobs on the Hub for each job name of a run, the newest last."""
        labels = {RUN_LABEL: label_value(run_id)}
        with job_errors("listing the jobs of this run", self.token):
            infos = self.patiently(listed, lambda: self.api.list_jobs(labels=labels, namespace=self.namespace))
            infos = [with_sound_id(info) for info in infos]
        found: dict[str, list[Any]] = collections.defaultdict(list)
        for info in sorted(infos, key=lambda info: (attempt_of(info), str(info.created_at))):
            found[(info.labels or {}).get(JOB_LABEL, "")].append(info)
        return found

    def job(self, job_id: str) -> Any:
        """One job as the Hub has it; None when it knows none of this id."""
        from huggingface_hub.errors import HfHubHTTPError

        with job_errors(f"asking for the job {job_id}", self.token):
            try:
                info = with_sound_id(self.patiently(self.api.inspect_job, job_id=job_id, namespace=self.namespace))
            except HfHubHTTPError as error:
                if error.response is not None and error.response.status_code == 404:
                    return None
                raise
            if info.id != job_id:
                raise ScriptError(f"the Hub answered with another job than {job_id}: {info.id}")
            return info

    def submit(self, run: EvalRun, job: EvalJob, attempt: int, files: Mapping[str, str]) -> Any:
        """Send one job, once: after a failure that may have come behind the Hub's back, its labels are looked up.

        files: the script, and what travels with it, by their places here: SHA-256 of each.
        """
        import tenacity

        labels = job_labels(run, job, attempt)
        again = tenacity.Retrying(
            retry=tenacity.retry_if_exception(worth_sending_again),
            wait=seconds_to_wait,
            stop=tenacity.stop_after_attempt(MAX_TRIES),
            reraise=True,
        )
        with job_errors(f"submitting {job.name}", self.token):
            for trial in again:
                with trial:
                    if trial.retry_state.attempt_number > 1 and (known := self.submitted(run, job.name, labels)):
                        return known
                    return with_sound_id(self.send(run, job, labels, files))

    def submitted(self, run: EvalRun, name: str, labels: dict[str, str]) -> Any:
        """Our job with these labels, when an earlier try reached the Hub after all."""
        wanted = {label: labels[label] for label in (RUN_LABEL, JOB_LABEL, ATTEMPT_LABEL)}
        infos = listed(lambda: self.api.list_jobs(labels=wanted, namespace=self.namespace))
        job = next(job for job in run.jobs if job.name == name)
        return next((info for info in map(with_sound_id, infos) if not not_ours(self, info, run, job)), None)

    def refuse_public_bucket(self) -> None:
        """ScriptError (3) where the bucket for the files of jobs is public; it is made when there is none."""
        from huggingface_hub import constants

        name = f"{self.namespace}/{constants.HF_JOBS_ARTIFACTS_BUCKET_NAME}"
        self.api.create_bucket(name, private=True, exist_ok=True)
        if self.api.bucket_info(name).private is not True:
            raise ScriptError(f"the bucket {name} is public, and the files of jobs go there: make it private", code=3)

    def send(self, run: EvalRun, job: EvalJob, labels: dict[str, str], files: Mapping[str, str]) -> Any:
        """One submission, by the client's own way; what it prints goes to stderr.

        The client is told to run a command, of which it sends each word that is a file: one that checks them first.
        """
        self.refuse_public_bucket()
        words = [next(iter(files)), *job.arguments]
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # run_uv_job is marked experimental
            return self.api.run_uv_job(
                CHECKED_WORDS[0],
                script_args=[*CHECKED_WORDS[1:], *hashes_of_words(words, files), "--", *words],
                image=run.image,
                env=dict(JOB_ENVIRONMENT) | {PACKAGES_VARIABLE: packages_hash(run.packages)},
                secrets={"HF_TOKEN": self.token, RESULTS_KEY: run_key(run.run_id)},
                flavor=job.flavor,
                timeout=run.timeout,
                labels=labels,
                namespace=self.namespace,
            )

    def log_tail(self, job_id: str, lines: int) -> tuple[str, ...]:
        """As `read_log`; none when the Hub does not give them."""
        with contextlib.suppress(ScriptError):
            return self.read_log(job_id, lines)
        return ()

    def read_log(self, job_id: str, lines: int) -> tuple[str, ...]:
        """The last lines of a job's log, without tokens."""
        with job_errors(f"reading the log of {job_id}", self.token):
            found = self.patiently(
                lambda: list(self.api.fetch_job_logs(job_id=job_id, namespace=self.namespace, tail=lines))
            )
        return tuple(self.clean(line)[:500] for line in found[-lines:])

    def open_private(self, repo_id: str, kind: str, option: str) -> None:
        """Make a private repository before money is spent on what could not be kept; a public one is refused (3)."""
        with job_errors(f"{option} {repo_id}", self.token):
            self.patiently(make_private_repo, self.api, repo_id, kind, option)

    def refuse_public(self, repo_id: str, kind: str, option: str) -> None:
        """ScriptError(code=3) for a repository that is there and public; nothing is made."""
        with job_errors(f"{option} {repo_id}", self.token):
            self.patiently(refuse_public, self.api, repo_id, kind, option)


def with_sound_id(info: Any) -> Any:
    """A job of the Hub's answer; ScriptError when its id would be more than a name in the next address."""
    if not (isinstance(info.id, str) and JOB_ID.fullmatch(info.id)):
        raise ScriptError(f"the Hub answered with a job whose id is none: {single_line(info.id)[:60]!r}")
    return info


def hashes_of_words(words: Sequence[str], files: Mapping[str, str]) -> list[str]:
    """Which of a job's words are files, and their SHA-256, as CHECKED_RUN takes them."""
    return [f"{number}:{files[word]}" for number, word in enumerate(words) if word in files]


def worth_sending_again(error: BaseException) -> bool:
    """Whether a submission that failed may succeed: as any request, and an upload that was not refused."""
    answer = behind(error)
    if answer is error and isinstance(error, RuntimeError | OSError) and refused_upload(error):
        return False
    return worth_repeating(answer) or (answer is error and isinstance(error, RuntimeError))


def not_ours(client: JobsClient, info: Any, run: EvalRun, job: EvalJob) -> str | None:
    """Why a job on the Hub was not sent for this job of this run; None where it was.

    Anybody in an organization can give a job any labels. A job that the Hub says this account started is ours, whatever
    version of this script made its words; one that another started is ours only if run.json names it, and where the Hub
    names nobody, its words must be those that are sent.
    """
    labels, state, by = info.labels or {}, run.states[job.name], info.initiator
    if (labels.get(RUN_LABEL), labels.get(JOB_LABEL)) != (label_value(run.run_id), label_value(job.name)):
        return "was sent for something else"
    if by is None or (by.type == "user" and by.name is None):
        return None if sends(info, run, job) else "runs something else"
    if by.type == "user" and by.name in (run.owner, client.user):
        return None
    if info.id in (state.job_id, *state.tries):
        return None if sends(info, run, job) else "runs something else"
    who = by.name if by.type == "user" else f"a {by.type}"
    return f"was started by {single_line(who)[:60]}"


def sends(info: Any, run: EvalRun, job: EvalJob) -> bool:
    """Whether a job on the Hub runs what is sent for this one, as far as the Hub says; with what hardware is free."""
    words = [str(word) for part in (info.command, info.arguments) if isinstance(part, list) for word in part]
    if info.command is None and info.arguments is None:
        return True
    at = next((number for number, word in enumerate(words) if word.endswith(".py")), len(words))
    files = {f"/data/{Path(name).name.replace(' ', '_')}" for name in run.files}
    wanted = ["/data/" if word in run.files else word for word in without_fitting(job.arguments)]
    found = ["/data/" if copy_name(word) in files else word for word in without_fitting(words[at + 1 :])]
    return is_start(words[:at]) and words[at : at + 1] == [f"/data/{run.script}"] and found == wanted


def is_start(words: Sequence[str]) -> bool:
    """Whether these words stand before the script of a job that this program has sent, with the check or before it."""
    if len(words) == 2:
        return words == ["uv", "run"]
    hashes = words[2 + len(CHECKED_WORDS) : -1]
    return words[:-1] == ["uv", "run", *CHECKED_WORDS, *hashes] and all(map(WORDS_HASH.fullmatch, hashes))


def copy_name(word: str) -> str:
    """The name of a file that travels, of which the client numbers the second of one name: "/data/a(0).py"."""
    return re.sub(r"\(\d{1,3}\)(?=\.[^./]*\Z|\Z)", "", word)


def without_fitting(words: Sequence[str]) -> list[str]:
    """The words of a job without those that follow from its hardware, which may be another the next time."""
    kept = without_flags(words, ("--tensor-parallel-size", "--gpu-memory-utilization"))
    at = next((number for number in range(len(kept)) if kept[number : number + 2] == ["--dtype", "float16"]), None)
    return kept if at is None else kept[:at] + kept[at + 2 :]


def without_flags(words: Sequence[str], flags: Sequence[str]) -> list[str]:
    """Arguments without some flags that take one value each."""
    left_out = {i + step for i, word in enumerate(words) if word in flags for step in (0, 1)}
    return [word for i, word in enumerate(words) if i not in left_out]


def timeout_of(info: Any) -> int | None:
    """The timeout with which a job was sent, in seconds, by its label."""
    label = (info.labels or {}).get(TIMEOUT_LABEL, "")
    return int(label) if re.fullmatch(r"[1-9][0-9]{0,8}", label) else None


def attempt_of(info: Any) -> int:
    """Which try a job on the Hub is, by its label."""
    return count_in((info.labels or {}).get(ATTEMPT_LABEL)) or 1


def is_price(value: Any) -> bool:
    """Whether a value is dollars: what has no price, or none that can be, is not hired."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf


def flavor_from_hub(row: Any) -> Flavor:
    """A flavor as `list_jobs_hardware` describes it: sizes such as "24 GB", GPU memory of all GPUs together."""

    def number(text: str | None) -> float:
        match = re.search(r"\d+(?:\.\d+)?", str(text or ""))
        return float(match[0]) * (1000 if "TB" in str(text) else 1) if match else 0.0

    # Only what CUDA runs on counts as a GPU here: vLLM's packages are built for it.
    gpu = row.accelerator if row.accelerator and row.accelerator.manufacturer.lower() == "nvidia" else None
    count = int(number(gpu.quantity)) if gpu else 0
    memory = number(gpu.vram) / count if gpu and count else 0.0
    price = row.unit_cost_usd * UNITS_OF_AN_HOUR[row.unit_label]
    disk = number(row.ephemeral_storage) or None
    model = gpu.model if gpu else ""
    return Flavor(row.name, model, count, memory, number(row.ram), price, disk)


def packages_hash(packages: Sequence[str]) -> str:
    """What tells one set of packages from another, short enough for a record."""
    return hashlib.sha256("\n".join(packages).encode()).hexdigest()[:16]


def script_path(name: str) -> Path:
    """One of the evaluation scripts beside this one."""
    path = Path(__file__).resolve().parent / name
    if not path.is_file():
        raise ScriptError(f"{path.name} is not beside this script: a job is sent from a copy of the whole project")
    return path


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


# --- parts/repo_files.py ----------------------------------------------------------------------------------------------

SECRET_NAME = re.compile(
    r"\.?(?:(?:hf|hub|huggingface)[-_]?)?tokens?(?:\.txt)?|hf[-_]?tokens?(?:[-_.].*)?|stored_tokens|"
    r"\.env(?:[-_.].*|rc)?|\.netrc|\.git-credentials|\.?credentials(?:\.\w+)?|\.?secrets?(?:\.\w+)?|"
    r".*\.(?:pem|key|p12|pfx)|id_(?:rsa|dsa|ecdsa|ed25519)|\.pypirc|\.npmrc|\.ssh|\.aws",
    re.IGNORECASE,
)

# A Hub token: hf_ and 34 letters and digits today; not inside URL-safe base64, which has such words by chance.
HUB_TOKEN = re.compile(
    rb"(?<![A-Za-z0-9_-]{8})(?:hf|api_org)_[A-Za-z0-9]{30,}|(?:hf|api_org)_[A-Za-z0-9]{34}(?![A-Za-z0-9_-])"
    rb"|hf_(?:oauth|jwt)_[\w.=-]{16,}"
)
MAX_UNPACKED = 2**26  # bytes of a file of which other encodings are looked at, too, and of what a packed one holds


@dataclass(frozen=True, slots=True)
class RepoFile:
    """A file of the repo to be: its name there, and where its bytes come from (a file, or text)."""

    target: str
    source: Path | None = None
    text: str | None = None

    def read(self) -> bytes:
        """The bytes."""
        return self.text.encode() if self.source is None else input_bytes(self.source)

    @property
    def size(self) -> int:
        """How many bytes."""
        return len(self.read()) if self.source is None else self.source.stat().st_size

    @property
    def sha256(self) -> str:
        """Hash of the bytes."""
        return hashlib.sha256(self.read()).hexdigest() if self.source is None else file_sha256(self.source)


def refuse_tokens(files: Sequence[RepoFile], token: str | None) -> None:
    """ScriptError, naming the file, when this token or something like a Hub token stands in one that would be sent."""
    for file in progress(files, "looking for tokens"):
        if holds_token(file, token):
            raise ScriptError(
                f"{file.source or file.target}: holds something like a Hub token; take it out. Nothing was sent"
            )


def holds_token(file: RepoFile, token: str | None) -> bool:
    """Whether this token, or something like a Hub token, stands in a file's bytes or its name."""
    if tokens_in(file.target.encode(), token):
        return True
    if file.source is None or file.size < MAX_UNPACKED:
        data = file.read()
        wide = data.replace(b"\0", b"") if b"\0" in data[:4096] else b""  # UTF-16 and UTF-32
        return any(tokens_in(content, token) for content in (data, wide, unpacked(file, data)))
    with open_input(file.source) as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return tokens_in(content, token)


def unpacked(file: RepoFile, data: bytes) -> bytes:
    """What a gzip file holds, as far as it is looked at; nothing of any other."""
    if file.source is None or data[:2] != b"\x1f\x8b":
        return b""
    with open_inflated(file.source, lambda source: gzip.open(source)) as content:
        try:
            return content.read(MAX_UNPACKED)
        except (OSError, EOFError, zlib.error):  # damaged: what cannot be read by anybody tells no token
            return b""


def tokens_in(content: bytes | mmap.mmap, token: str | None) -> bool:
    """Whether this token, or something like a Hub token, stands in some bytes."""
    if token and content.find(token.encode()) >= 0:
        return True
    for prefix in (b"hf_", b"api_org_"):  # found before matched: gigabytes of weights are searched
        at = content.find(prefix)
        while at >= 0:
            if HUB_TOKEN.match(content, at):
                return True
            at = content.find(prefix, at + 1)
    return False


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


# --- parts/jobs/uploading.py ------------------------------------------------------------------------------------------

# What an evaluation reads of a checkpoint; the states of optimizers and the like stay here.
UPLOADED = [
    *("*.safetensors", "*.json", "*.txt", "*.model", "*.jinja", "*.py", "*.tiktoken", "*.spm", "*.codes"),
    *("pytorch_model*.bin", "adapter_model.bin", "tokenizer.model*"),
]


def upload_places(args: argparse.Namespace) -> dict[str, Path]:
    """Where the folders among --model will be on the Hub: place -> folder. ScriptError without --upload."""
    folders = [model for model in args.model if Path(model).is_dir()]
    if args.upload and not folders:
        raise ScriptError("--upload is for a folder of this machine, and --model names none")
    if not folders:
        return {}
    if not args.upload:
        raise ScriptError(
            f"{folders[0]} is a folder on this machine, which a job cannot see: --upload OWNER/NAME puts its "
            "checkpoints there (private), and evaluates them there"
        )
    if not REPO_ID.fullmatch(args.upload):
        raise ScriptError(f"--upload {args.upload}: write OWNER/NAME, the repository for the checkpoints")
    places: dict[str, Path] = {}
    for folder in folders:
        for name, path in checkpoints_in(Path(folder), args.upload).items():
            place = f"{args.upload}/{name}" if name else args.upload
            if place in places and not name:
                raise ScriptError(own_repositories(Path(path).parent, args.upload))
            if place in places or (name and not is_hub_place(place)):
                raise ScriptError(f"{path}: {place} is no place for it, or taken: upload it under another name")
            places[place] = path
    if args.upload in places and len(places) > 1:
        raise ScriptError(f"--upload {args.upload}: {places[args.upload]} has no step in its name: upload it apart")
    return places


def own_repositories(folder: Path, upload: str) -> str:
    """What to do with several models that no step in their names tells apart: each in a repository of its own."""
    owner, models = upload.partition("/")[0], command_line_of([folder])
    send = f'hf upload {owner}/"$(basename "$model")" "$model" --private'
    return (
        f"{folder}: several models without a step in their names (checkpoint-100), and --upload takes one of these. "
        f"Send each to a repository of its own, then give {owner}/NAME of each to --model: "
        f"for model in {models}/*/; do {send}; done"
    )


def checkpoints_in(folder: Path, upload: str) -> dict[str, Path]:
    """The checkpoints in a folder by their names, in step order; "" for a model that is named like none."""
    found = find_checkpoints(folder, to_run=True)
    for row in found.skipped:
        note(f"warning: {row.name} is skipped: {row.reason}")
    if not found.checkpoints:
        reasons = listing(f"{row.name}: {row.reason}" for row in found.skipped)
        raise ScriptError(f"{folder}: no complete checkpoint in it{f': {reasons}' if reasons else ''}")
    named = {}
    for row in found.checkpoints:
        last = row.name.rpartition("/")[2]
        named[last if parse_checkpoint_name(last) or last in FINAL_FOLDERS else ""] = row.path
    if len(named) < len(found.checkpoints):
        if all(not last for last in named):
            raise ScriptError(own_repositories(folder, upload))
        raise ScriptError(f"{folder}: several checkpoints of one name: give the folder of one run")
    return named


def checkpoint_files(folder: Path) -> list[RepoFile]:
    """The files of a checkpoint that are sent: regular ones of the kinds in UPLOADED in the folder, and BELOW it.

    ScriptError, by name, for a link that leads out of the folder and for what is no file; secrets' names are left out.
    """
    found, hashed = [], hashed_names(folder)
    below = (path for pattern in BELOW for path in sorted(folder.glob(pattern)))
    for path in (*sorted(folder.iterdir()), *below):
        target = path.relative_to(folder).as_posix()
        if not is_sent(target) or path.is_dir():
            continue
        if not inside(path, folder):
            raise ScriptError(f"{path}: a link that leads out of the folder is not uploaded; replace it by the file")
        if not is_input(path):
            raise ScriptError(f"{path}: not a regular file; take it away")
        if SECRET_NAME.fullmatch(path.name):
            note(f"warning: {path} is not uploaded: its name is that of a secret")
        elif is_other_model(target, hashed):
            note(f"warning: {path} is not uploaded: it is none of the weights that are evaluated")
        else:
            found.append(RepoFile(target, path.resolve()))
    return found


def is_sent(target: str) -> bool:
    """Whether a file of a checkpoint, by its place in the folder, is of those that an evaluation reads."""
    return any(fnmatch.fnmatchcase(target, kind) for kind in (BELOW if "/" in target else UPLOADED))


def hashed_files(folder: Path) -> dict[str, str]:
    """The files of a checkpoint that are sent, and their SHA-256."""
    files = checkpoint_files(folder)
    return {str(folder / file.target): remembered_sha256(file.source) for file in progress(files, f"hashing {folder}")}


def wanted_uploads(run: EvalRun) -> dict[str, Path]:
    """The folders that the jobs which wait are made of: place on the Hub -> folder."""
    wanted = {model for job in run.waiting for model in job.models}
    chosen = {place: Path(folder) for place, folder in run.uploads.items() if place in wanted}
    for place, folder in chosen.items():
        if not folder.is_dir():
            raise ScriptError(f"{folder} is not here any more, and {place} is made of it")
    return chosen


def planned_below(run: EvalRun, folders: Iterable[Path]) -> dict[str, str]:
    """The files of folders as they were planned."""
    chosen = set(folders)
    return {name: digest for name, digest in run.files.items() if not chosen.isdisjoint(Path(name).parents)}


def check_own_files(run: EvalRun) -> None:
    """ScriptError (3) when a file that travels with the jobs, or is uploaded for those which wait, is not what it was
    when the run was planned."""
    folders, found = wanted_uploads(run).values(), {}
    for name in run.travelling:
        if not is_input(name):
            raise ScriptError(f"--run-id {run.run_id}: {name} is not here, and its jobs need it: go to its folder")
        found[name] = file_sha256(Path(name))
    for folder in folders:
        found |= hashed_files(folder)
    refuse_changed(run, run.travelling | planned_below(run, folders), found)


def refuse_changed(run: EvalRun, planned: Mapping[str, str], found: Mapping[str, str]) -> None:
    """ScriptError (3) with the files that are not what was planned: file -> SHA-256, then and now."""
    words = {
        name: "is new" if name not in planned else "is gone" if name not in found else "has changed"
        for name in sorted({*planned, *found})
        if planned.get(name) != found.get(name)
    }
    if words:
        raise ScriptError(
            f"--run-id {run.run_id}: {listing(f'{name} {word}' for name, word in words.items())} since the run was "
            "planned, so its scores would be of two kinds: put the old files back, or plan anew with another --run-id",
            code=3,
        )


def upload_checkpoints(client: JobsClient, run: EvalRun) -> None:
    """Put the folders of the jobs that wait where the jobs look for them; what is there already is not sent again.

    Every file is compared with the plan, and searched for tokens, before the first one is sent.
    """
    chosen = wanted_uploads(run)
    if chosen:
        check_own_files(run)
    files = {place: checkpoint_files(folder) for place, folder in chosen.items()}
    refuse_tokens([file for found in files.values() for file in found], client.token)
    for place, folder in chosen.items():
        repo, below, _ = split_place(place)
        names = {file: f"{below}/{file.target}".lstrip("/") for file in files[place]}
        client.open_private(repo, "model", "--upload")
        with job_errors(f"--upload {repo}", client.token):
            refuse_leftovers(client, place, names.values())
            note(f"uploading {folder} to {place} ...")
            digests = {name: run.files.get(str(folder / file.target), "") for file, name in names.items()}
            added, unchanged = additions_of({name: file.source for file, name in names.items()}, digests)
            title = f"Add {below or folder.name}"
            client.patiently(commit_whole, client.api, repo, added, before=unchanged, commit_message=title)


def refuse_leftovers(client: JobsClient, place: str, own: Container[str]) -> None:
    """ScriptError (3) when a place on the Hub holds what an evaluation reads and this upload has not."""
    repo, below, _ = split_place(place)
    there = client.patiently(client.api.list_repo_files, repo)
    prefix = f"{below}/" if below else ""
    inner = [name for name in there if name.startswith(prefix) and name not in own]
    others = [name for name in inner if is_sent(name.removeprefix(prefix))]
    if others:
        raise ScriptError(
            f"{place} holds {listing(others)}, which the folder that is uploaded has not, and its job would read: "
            "delete that there, or --upload to another repository",
            code=3,
        )


def shown_uploads(places: Mapping[str, Path], token: str | None) -> tuple[str, ...]:
    """What would be uploaded, for people: each folder, its place, every file with its size.

    What is quickly read is searched for tokens now; the weights are when they are sent.
    """
    shown = []
    for place, folder in places.items():
        files = checkpoint_files(folder)
        refuse_tokens([file for file in files if file.size < MAX_UNPACKED], token)
        sizes = (f"{single_line(file.target)} ({shown_size(file.size)})" for file in files)
        shown.append(f"uploaded first, to a private repository: {folder} -> {place}: {', '.join(sizes)}")
    return tuple(shown)


# --- parts/jobs/packing.py --------------------------------------------------------------------------------------------

# fmt: off
LOCKED = {'lines': 'absl-py==2.5.1\n'
          'accelerate==1.15.0\n'
          'aenum==3.1.15\n'
          'agent-client-protocol==0.12.1\n'
          'agent-detector==2.0.0\n'
          'aiobotocore==3.10.0\n'
          'aiohappyeyeballs==2.7.1\n'
          'aiohttp==3.14.5\n'
          'aioitertools==0.13.0\n'
          'aiosignal==1.4.0\n'
          'annotated-doc==0.0.7\n'
          'annotated-types==0.8.0\n'
          'anthropic==2.14.0\n'
          'antlr4-python3-runtime==4.13.2\n'
          'anyio==4.16.0\n'
          'apache-tvm-ffi==0.1.11\n'
          'astor==0.8.1\n'
          'attrs==26.1.0\n'
          'backoff==2.2.1\n'
          'beautifulsoup4==4.15.0\n'
          'blake3==1.0.11\n'
          'boto3==1.43.117\n'
          'botocore==1.43.117\n'
          'cachetools==8.0.2\n'
          'cbor2==6.3.0\n'
          'certifi==2026.10.19.post1\n'
          'cffi==2.1.1\n'
          'chardet==6.0.0.post1\n'
          'charset-normalizer==3.5.3\n'
          'click==8.5.1\n'
          'cloudpickle==3.1.3\n'
          'colorama==0.4.6\n'
          'colorlog==6.12.0\n'
          'compressed-tensors==0.17.0\n'
          'cryptography==50.0.2\n'
          'cuda-bindings==13.5.0\n'
          'cuda-core==1.2.2\n'
          'cuda-pathfinder==1.9.1\n'
          'cuda-python==12.6.2.post1\n'
          'cuda-tile==1.7.0\n'
          'cuda-toolkit==13.0.3.0\n'
          'cuda-toolkit==13.2.2\n'
          'dataproperty==1.1.1\n'
          'datasets==5.2.0\n'
          'debugpy==1.8.22\n'
          'defusedxml==0.7.1\n'
          'depyf==0.20.0\n'
          'detect-installer==0.2.1\n'
          'dill==0.4.1\n'
          'dnspython==2.9.2\n'
          'docstring-parser==0.18.0\n'
          'einops==0.8.2\n'
          'email-validator==2.4.0\n'
          'evaluate==0.4.6\n'
          'fastapi-cli==0.0.34\n'
          'fastapi-cloud-cli==0.28.0\n'
          'fastapi==0.136.3\n'
          'fastapi==0.165.0\n'
          'fastar==0.12.0\n'
          'fastsafetensors==0.5.0\n'
          'filelock==4.3.1\n'
          'flashinfer-python==0.7.0.post1\n'
          'frozenlist==1.8.0\n'
          'fsspec==2026.6.0\n'
          'fsspec==2026.9.0\n'
          'gitdb==4.0.12\n'
          'gitpython==3.2.1\n'
          'googleapis-common-protos==1.76.0\n'
          'grpcio==1.85.3\n'
          'h11==0.16.0\n'
          'hf-xet==1.8.0\n'
          'httpcore2==2.16.2\n'
          'httpcore==1.0.9\n'
          'httptools==0.9.0\n'
          'httpx2==2.16.2\n'
          'httpx==0.28.1\n'
          'huggingface-hub==1.33.0\n'
          'huggingface-hub==2.4.0\n'
          'humming-kernels==0.1.17\n'
          'idna==3.20\n'
          'ijson==3.6.0\n'
          'inspect-ai==0.3.285\n'
          'inspect-evals==0.26.0\n'
          'instanttensor==0.2.2\n'
          'interegular==0.3.3\n'
          'jinja2==3.1.6\n'
          'jiter==0.19.0\n'
          'jmespath==1.1.0\n'
          'joblib==1.6.0\n'
          'jsonlines==4.0.0\n'
          'jsonpatch==1.48\n'
          'jsonpath-ng==1.16.0\n'
          'jsonpointer==3.12\n'
          'jsonref==1.1.0\n'
          'jsonschema-specifications==2025.9.1\n'
          'jsonschema==4.26.0\n'
          'langcodes==3.5.1\n'
          'lark==1.2.2\n'
          'latex2sympy2-extended==1.0.6\n'
          'lighteval==0.13.0\n'
          'linkify-it-py==2.2.0\n'
          'llguidance==1.7.6\n'
          'llvmlite==0.47.0\n'
          'lm-eval==0.4.13\n'
          'lm-format-enforcer==0.11.3\n'
          'loguru==0.7.3\n'
          'lxml==6.1.3\n'
          'markdown-it-py==4.3.0\n'
          'markupsafe==3.0.4\n'
          'mbstrdecoder==1.1.5\n'
          'mcp-types==2.3.0\n'
          'mcp==2.3.0\n'
          'mdit-py-plugins==0.7.0\n'
          'mdurl==0.1.2\n'
          'mistral-common==1.13.1\n'
          'ml-dtypes==0.6.0\n'
          'mmh3==5.3.1\n'
          'model-hosting-container-standards==0.1.16\n'
          'more-itertools==11.2.1\n'
          'mpmath==1.3.0\n'
          'msgspec==0.22.0\n'
          'multidict==7.2.1\n'
          'multiprocess==0.70.19\n'
          'narwhals==2.29.0\n'
          'nccl-extensions==0.1.0\n'
          'nccl4py==0.6.0\n'
          'nest-asyncio2==1.7.4\n'
          "networkx==3.6.1 ; python_full_version < '3.12'\n"
          "networkx==3.7 ; python_full_version >= '3.12'\n"
          'ninja==1.13.2\n'
          'nltk==3.10.4\n'
          'nltk==3.9.1\n'
          'numba==0.65.0\n'
          "numpy==2.3.5 ; python_full_version < '3.13'\n"
          "numpy==2.4.6 ; python_full_version < '3.12'\n"
          "numpy==2.4.6 ; python_full_version >= '3.13'\n"
          "numpy==2.5.5 ; python_full_version >= '3.12'\n"
          'nvidia-cublas==13.1.1.3\n'
          'nvidia-cublas==13.4.1.3\n'
          'nvidia-cuda-cccl==13.3.5.0.6\n'
          'nvidia-cuda-crt==13.5.37\n'
          'nvidia-cuda-cupti==13.0.85\n'
          'nvidia-cuda-cupti==13.2.86\n'
          'nvidia-cuda-nvcc==13.5.37\n'
          'nvidia-cuda-nvrtc==13.0.88\n'
          'nvidia-cuda-nvrtc==13.2.86\n'
          'nvidia-cuda-runtime==13.0.96\n'
          'nvidia-cuda-runtime==13.2.86\n'
          'nvidia-cudnn-cu13==9.20.0.48\n'
          'nvidia-cudnn-cu13==9.26.0.51\n'
          'nvidia-cudnn-frontend==1.32.0\n'
          'nvidia-cufft==12.0.0.61\n'
          'nvidia-cufft==12.2.0.57\n'
          'nvidia-cufile==1.15.1.6\n'
          'nvidia-cufile==1.17.1.22\n'
          'nvidia-curand==10.4.0.35\n'
          'nvidia-cusolver==12.0.4.66\n'
          'nvidia-cusolver==12.2.0.11\n'
          'nvidia-cusparse==12.6.3.3\n'
          'nvidia-cusparse==12.7.10.12\n'
          'nvidia-cusparselt-cu13==0.8.1\n'
          'nvidia-cutlass-dsl-libs-base==4.8.0\n'
          'nvidia-cutlass-dsl-libs-core==4.8.0\n'
          'nvidia-cutlass-dsl-libs-cu12==4.8.0\n'
          'nvidia-cutlass-dsl-libs-cu13==4.8.0\n'
          'nvidia-cutlass-dsl==4.8.0\n'
          'nvidia-ml-py==13.615.71\n'
          'nvidia-nccl-cu13==2.29.7\n'
          'nvidia-nccl-cu13==2.30.7\n'
          'nvidia-nvjitlink==13.5.37\n'
          'nvidia-nvshmem-cu13==3.4.5\n'
          'nvidia-nvshmem-cu13==3.7.2\n'
          'nvidia-nvtx==13.0.85\n'
          'nvidia-nvtx==13.2.86\n'
          'nvidia-nvvm==13.5.37\n'
          'nvtx==0.2.15\n'
          'openai==3.57.0\n'
          'opencv-python-headless==5.0.0.93\n'
          'opentelemetry-api==1.45.2\n'
          'opentelemetry-exporter-http-transport==0.66b2\n'
          'opentelemetry-exporter-otlp-common==0.66b2\n'
          'opentelemetry-exporter-otlp-proto-common==1.45.2\n'
          'opentelemetry-exporter-otlp-proto-grpc==1.45.2\n'
          'opentelemetry-exporter-otlp-proto-http==1.45.2\n'
          'opentelemetry-exporter-otlp==1.45.2\n'
          'opentelemetry-proto==1.45.2\n'
          'opentelemetry-sdk==1.45.2\n'
          'opentelemetry-semantic-conventions-ai==0.5.1\n'
          'opentelemetry-semantic-conventions==0.66b2\n'
          'oss-harmony==0.0.11\n'
          'outlines-core==0.2.14\n'
          'packaging==26.4\n'
          'pandas==3.1.1\n'
          'partial-json-parser==0.2.1.1.post7\n'
          'pathlib-abc==0.5.2\n'
          'pathvalidate==3.3.1\n'
          'peft==0.21.2\n'
          'pillow==13.0.0\n'
          'platformdirs==4.14.8\n'
          'portalocker==4.4.2\n'
          'prometheus-client==0.26.0\n'
          'prometheus-fastapi-instrumentator==8.1.0\n'
          'propcache==0.5.4\n'
          'protobuf==7.36.1\n'
          'protobuf==7.36.2\n'
          'psutil==7.2.2\n'
          'py-cpuinfo==9.0.0\n'
          'pyarrow==26.0.1\n'
          'pybase64==1.5.1\n'
          'pycountry==26.2.16\n'
          'pycparser==3.12\n'
          'pydantic-core==2.50.5\n'
          'pydantic-extra-types==2.11.1\n'
          'pydantic-settings==2.16.3\n'
          'pydantic==2.14.4\n'
          'pygments==2.21.0\n'
          'pyjwt==2.15.1\n'
          'pynvvideocodec==2.0.4\n'
          'pytablewriter==1.2.1\n'
          'python-dateutil==2.9.0.post0\n'
          'python-dotenv==1.2.4\n'
          'python-json-logger==4.2.0\n'
          'python-multipart==0.0.34\n'
          'pytz==2026.6\n'
          'pyyaml==6.0.4\n'
          'pyzmq==27.3.0\n'
          'quack-kernels==0.6.5\n'
          'referencing==0.37.0\n'
          'regex==2026.11.19\n'
          'requests==2.34.2\n'
          'rich-toolkit==0.20.6\n'
          'rich==15.0.0\n'
          'rignore==0.8.1\n'
          'rouge-score==0.1.2\n'
          'rpds-py==2026.9.1\n'
          's3fs==2026.6.0\n'
          's3transfer==0.19.3\n'
          'sacrebleu==2.6.0\n'
          'safetensors==0.8.0\n'
          'scikit-learn==1.9.1\n'
          "scipy==1.17.1 ; python_full_version < '3.12'\n"
          "scipy==1.18.1 ; python_full_version >= '3.12'\n"
          'semver==3.1.2\n'
          'sentencepiece==0.2.3\n'
          'sentry-sdk==2.75.0\n'
          'setproctitle==1.3.8\n'
          "setuptools==80.10.2 ; python_full_version >= '3.12'\n"
          'setuptools==84.2.1\n'
          "setuptools==84.2.1 ; python_full_version < '3.12'\n"
          'shellingham==1.5.4\n'
          'shortuuid==1.0.13\n'
          'six==1.17.0\n'
          'smmap==5.0.3\n'
          'sniffio==1.3.1\n'
          'soupsieve==4.1.3\n'
          'sqlitedict==2.1.0\n'
          'sse-starlette==3.7.0\n'
          'starlette==1.10.0\n'
          'supervisor==4.3.0\n'
          'sympy==1.14.0\n'
          'tabledata==1.3.5\n'
          'tabulate==0.10.0\n'
          'tcolorpy==0.1.7\n'
          'tenacity==9.2.1\n'
          'termcolor==2.3.0\n'
          'textual==8.2.8\n'
          'threadpoolctl==3.8.0\n'
          'tiktoken==0.14.0\n'
          'tilelang==0.1.12\n'
          'tokenizers==0.23.3\n'
          'tokenspeed-mla==0.2.15\n'
          'tokenspeed-triton==3.9.10.post20261028\n'
          'toml==0.10.2\n'
          'torch-c-dlpack-ext==0.1.5\n'
          'torch==2.13.0\n'
          'torch==2.15.0\n'
          'torchaudio==2.11.0\n'
          'torchcodec==0.17.0\n'
          'torchvision==0.28.0\n'
          'tqdm==4.70.1\n'
          'transformers==5.19.0\n'
          'transformers==5.24.0\n'
          'triton==3.7.1\n'
          'triton==3.9.0\n'
          'truststore==0.10.5\n'
          'typepy==1.3.5\n'
          'typer==0.29.2\n'
          'typing-extensions==4.16.0\n'
          'typing-inspection==0.4.5\n'
          'universal-pathlib==0.3.10\n'
          'urllib3==2.8.0\n'
          'uvicorn==0.54.0\n'
          'uvloop==0.23.0\n'
          'vllm==0.32.0\n'
          'watchfiles==1.3.0\n'
          'websockets==17.4\n'
          'word2number==1.1\n'
          'wrapt==2.5.2\n'
          'xgrammar==0.2.8\n'
          'xxhash==3.8.2\n'
          'xxhash==4.1.0\n'
          'yarl==1.25.1\n'
          'z3-solver==4.15.4.0\n'
          'zipfile-zstd==0.0.4\n'
          'zipp==4.1.2\n'
          'zstandard==0.25.0',
 'of': {'lighteval_vllm_uv.py vllm': '0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 19 20 21 22 23 24 25 26 27 28 29 '
                                     '30 31 32 33 34 35 36 37 38 39 40 42 43 44 46 47 48 49 50 51 52 56 54 55 58 '
                                     '59 60 61 62 63 65 66 67 68 69 70 72 71 73 75 74 76 78 79 80 81 83 84 85 86 '
                                     '87 88 89 90 91 92 93 95 94 96 97 98 99 100 101 102 104 105 106 107 108 109 '
                                     '111 110 112 113 114 115 116 117 119 120 121 122 123 124 125 126 127 128 129 '
                                     '131 132 133 135 137 139 140 141 143 144 146 148 150 151 153 155 156 158 160 '
                                     '165 161 162 163 164 166 167 169 170 172 174 175 176 177 178 179 184 180 181 '
                                     '182 183 185 186 188 187 189 190 191 192 193 194 195 196 197 198 199 200 201 '
                                     '202 204 205 206 207 208 209 210 214 211 212 213 215 216 217 218 219 220 221 '
                                     '222 223 224 225 226 227 228 229 231 230 232 233 234 235 236 237 238 239 240 '
                                     '241 242 243 244 245 246 248 249 250 251 252 253 254 256 257 258 259 260 261 '
                                     '262 263 264 265 266 267 268 269 270 271 274 273 276 277 278 279 280 282 284 '
                                     '285 286 287 288 289 290 291 292 293 294 295 297 298 299 301 302 303 304 305',
        'inspect_vllm_uv.py vllm': '1 3 4 5 6 7 8 9 10 11 12 14 15 16 17 18 19 20 21 22 23 24 25 26 28 29 30 33 34 '
                                   '35 36 37 38 39 40 43 44 46 47 48 49 50 51 52 56 54 55 58 59 60 61 62 63 67 68 '
                                   '69 70 72 71 73 75 74 77 78 79 80 81 82 83 84 85 86 87 89 90 91 92 93 95 94 97 '
                                   '100 101 102 104 105 107 108 111 110 112 113 114 115 116 117 119 120 121 122 '
                                   '124 125 126 127 128 129 132 133 135 137 139 140 141 143 144 146 148 150 151 '
                                   '153 155 156 158 160 165 161 162 163 164 166 167 169 170 172 174 175 176 177 '
                                   '178 179 184 180 181 182 183 185 186 188 187 189 190 191 192 193 194 196 197 '
                                   '198 200 201 202 203 205 206 207 208 209 210 214 211 212 213 215 216 217 219 '
                                   '220 221 222 224 225 226 227 228 229 231 230 232 234 235 236 238 242 243 244 '
                                   '245 246 248 249 250 251 253 254 256 257 258 259 261 263 265 267 268 269 270 '
                                   '271 272 274 273 276 277 278 279 280 282 284 286 287 288 289 290 291 292 293 '
                                   '294 295 297 298 300 301 302 303 304 305',
        'lm_eval_vllm_uv.py vllm': '0 1 4 6 7 9 10 11 12 14 15 16 17 20 23 24 25 26 27 28 29 30 31 33 34 35 36 37 '
                                   '38 39 40 42 43 45 46 47 48 49 50 51 52 53 56 54 55 58 59 60 61 62 64 67 68 69 '
                                   '70 72 71 73 75 74 77 78 79 80 83 84 85 86 87 88 95 94 97 101 102 103 104 105 '
                                   '106 107 108 109 111 110 113 114 115 117 118 119 120 121 122 123 124 125 127 '
                                   '128 129 130 132 133 135 137 139 140 141 143 144 146 148 150 151 153 155 156 '
                                   '158 160 165 161 162 163 164 166 167 169 170 172 174 175 176 177 178 179 184 '
                                   '180 181 182 183 185 186 188 187 189 190 191 192 193 195 196 197 199 200 201 '
                                   '202 203 205 206 207 208 209 210 214 211 212 213 215 216 217 218 219 220 221 '
                                   '222 223 224 225 226 227 228 229 231 230 232 233 234 237 238 239 240 241 243 '
                                   '244 245 246 248 249 251 253 255 256 257 258 259 260 261 262 263 266 267 268 '
                                   '269 270 271 274 273 276 277 278 279 280 282 284 285 286 287 288 290 291 292 '
                                   '293 294 295 296 298 300 301 302',
        'lighteval_vllm_uv.py': '0 1 2 3 5 6 7 8 9 10 11 13 14 17 19 21 22 25 27 28 29 30 31 32 35 37 41 42 43 44 '
                                '48 50 57 60 62 63 65 66 69 70 72 71 75 74 76 79 80 81 85 86 87 88 89 90 91 92 93 '
                                '95 94 96 98 99 100 106 107 108 109 112 113 116 119 121 122 123 126 127 128 131 '
                                '134 136 138 139 142 145 147 149 152 154 157 159 160 168 169 171 173 176 178 191 '
                                '192 194 195 196 198 199 202 204 205 207 209 214 211 215 218 219 220 223 224 227 '
                                '228 229 231 233 234 235 236 237 238 239 240 241 242 243 247 249 250 251 252 253 '
                                '254 257 259 260 261 262 263 264 265 266 267 269 275 279 281 283 284 285 286 287 '
                                '288 289 290 291 297 299 301 303 304 305',
        'inspect_vllm_uv.py': '1 3 5 6 7 8 9 10 11 14 17 18 19 21 22 25 28 29 35 37 41 43 44 48 50 57 60 62 63 69 '
                              '70 72 71 75 74 77 79 80 81 82 85 86 87 89 90 91 92 93 95 94 100 107 108 112 113 116 '
                              '119 121 122 126 127 128 134 136 138 139 142 145 147 149 152 154 157 159 160 168 169 '
                              '171 173 176 178 191 192 194 196 197 198 202 205 207 214 211 215 219 220 224 227 228 '
                              '229 231 234 235 236 238 242 247 249 250 251 253 254 257 259 263 265 267 269 272 275 '
                              '279 281 283 284 286 287 288 289 290 291 297 300 301 303 304 305',
        'lm_eval_vllm_uv.py': '0 1 6 7 9 10 11 14 17 25 27 28 29 30 31 35 37 41 42 43 45 48 53 60 62 64 69 70 71 '
                              '74 77 79 85 88 103 106 107 108 109 113 118 119 121 122 123 127 128 130 134 136 138 '
                              '139 142 145 147 149 152 154 157 159 160 168 169 171 173 191 192 195 196 199 202 205 '
                              '207 214 211 215 218 219 223 224 228 229 231 233 237 238 239 240 241 247 249 251 255 '
                              '259 260 261 262 263 266 269 275 279 281 283 284 285 286 287 288 290 296 300 301',
        'inspect_eval_uv.py': '3 5 6 7 8 9 10 11 14 17 18 19 21 22 25 28 29 43 44 48 50 57 60 62 63 69 70 72 71 75 '
                              '74 77 79 80 81 82 85 86 87 89 90 91 92 93 95 94 100 107 108 112 113 116 121 122 126 '
                              '134 136 176 178 191 192 194 197 198 202 205 207 214 211 215 219 220 224 227 228 229 '
                              '231 234 235 236 242 250 251 253 254 257 263 265 267 272 279 284 287 288 289 290 291 '
                              '297 300 301 303 304 305'}}
# fmt: on
PINNED = re.compile(
    r"(?P<name>[A-Za-z0-9][\w.-]{0,100})(?:\[[\w,-]{1,60}\])?==[\w.+!]{1,60}"
    r"(?: ; (?:python_full_version (?:<|<=|>|>=|==|!=) '[\d.*]{1,9}'(?: and | or )?){1,4})?"
)
DEPENDENCIES = re.compile(r"^# dependencies = \[\n(?:#.*\n)*?# \]\n", re.MULTILINE)


def locked_packages(script: str, backend: str) -> tuple[str, ...]:
    """The exact packages of a script with a backend: "torch==2.13.0", ..."""
    lines, of = LOCKED["lines"].split("\n"), LOCKED["of"]
    return tuple(lines[int(index)] for index in of[f"{script} vllm" if backend == "vllm" else script].split())


def locked_ever(script: str) -> set[str]:
    """The exact packages of a script with any backend."""
    keys = [key for key in LOCKED["of"] if key.split()[0] == script]
    return {row for key in keys for row in locked_packages(*[*key.split(), ""][:2])}


def strange_packages(script: str, packages: tuple[str, ...]) -> list[str]:
    """What of a run's packages no plan for a script would add: another name, or no exact version."""
    known = {re.split(r"[\[=]", row)[0] for row in locked_ever(script)}
    found = [(row, PINNED.fullmatch(row)) for row in packages]
    return [row for row, match in found if match is None or match["name"] not in known]


def with_packages(text: str, packages: tuple[str, ...]) -> str:
    """A script whose header asks for exactly these packages; ScriptError when it has no such header."""
    rows = "".join(f'#   "{row}",\n' for row in packages)
    found, count = DEPENDENCIES.subn(lambda _: f"# dependencies = [\n{rows}# ]\n", text, count=1)
    if not count:
        raise ScriptError("the script that is sent has no list of dependencies in its header")
    return found


def packed(run: EvalRun, folder: Path) -> tuple[EvalRun, Path]:
    """The run with the hash of the script that its jobs are sent, and that script; one that is there is kept."""
    path = folder / run.script
    if path.is_file() and run.script_sha256 and hashlib.sha256(input_bytes(path)).hexdigest() == run.script_sha256:
        return run, path
    data = with_packages(input_text(script_path(run.script)), run.packages).encode()
    with whole_file(path) as file:
        file.write(data)
    return replace(run, script_sha256=hashlib.sha256(data).hexdigest()), path


@contextlib.contextmanager
def packed_job(run: EvalRun, job: EvalJob, script: Path) -> Iterator[tuple[EvalJob, dict[str, str]]]:
    """A job whose words name copies of the files that travel with it; these copies, the script's first, and SHA-256.

    What the client reads is what has the hash that was planned, whatever is written to the files meanwhile. It sends
    each word that is a file where it stands, so it stands in an empty folder within. ScriptError (3) for a file that
    has changed since.
    """
    own = {name: digest for name, digest in run.files.items() if name in job.arguments}
    wanted = {str(script): run.script_sha256, **own}
    found = {name: input_bytes(name) for name in wanted}
    refuse_changed(run, wanted, {name: hashlib.sha256(data).hexdigest() for name, data in found.items()})
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as empty, contextlib.chdir(empty):
        copies = {name: Path(folder, str(number), Path(name).name) for number, name in enumerate(found)}
        for name, copy in copies.items():
            copy.parent.mkdir()
            copy.write_bytes(found[name])
        words = (str(copies[word]) if word in own else word for word in job.arguments)
        yield replace(job, arguments=tuple(words)), {str(copy): wanted[name] for name, copy in copies.items()}


# --- parts/jobs/run.py ------------------------------------------------------------------------------------------------

LOCK_SECONDS = 5.0
MADE_AGAIN = (
    "move it away and give --run-id {} with the same --model and --task: the jobs are found on the Hub by their "
    "labels, and nothing is sent twice"
)
RUN_ID = re.compile(r"[A-Za-z0-9_-]{1,60}")
RUN_SEAL = "run.json 1"
MOST_CLAIMED = 100_000  # characters of what a run of another hand says; nobody looks through more
JOB_SCRIPTS = ("lighteval_vllm_uv.py", "inspect_vllm_uv.py", "lm_eval_vllm_uv.py", PROVIDER_SCRIPT)
IMAGE_NAME = re.compile(r"[A-Za-z0-9][\w./:@-]{0,300}")
JOB_NAME = re.compile(r"[A-Za-z0-9_][\w.-]{0,200}")
FLAVOR_NAME = re.compile(r"[\w.-]{1,60}")

# What logs of failed jobs say, the more particular first, and what to do about it.
CAUSES = (
    (
        r"larger than the (?:maximum number of tokens|available KV cache)|No available memory for the cache blocks",
        "no room for the longest request: submit with a smaller --max-model-len, or larger --hardware",
    ),
    (
        r"out of memory|OutOfMemoryError|OOMKilled|exit code:? 137",
        "out of memory: submit with a smaller --gpu-memory-utilization, larger --hardware, or --tensor-parallel-size",
    ),
    (
        r"GatedRepo|gated repo|\bis gated\b|\bgated:|access to \w+ \S+ is restricted",
        "a gated model or data set: accept its terms on its page on the Hub with the account of the token",
    ),
    (
        r"architectures? .{0,200}(?:are|is) not supported|does not recognize this architecture|no vLLM implementation",
        "an architecture that vLLM does not have: submit with --backend accelerate (inspect: --backend hf)",
    ),
    (
        r"no chat template|chat.template is (?:not set|missing)",
        "the tokenizer has no chat template: submit without --use-chat-template",
    ),
    (r"bfloat16 is only supported on GPUs", "this GPU has no bfloat16: submit with other --hardware, such as l4x1"),
    (
        r"(?:argument|option|set) .?trust_remote_code|model brings its own code",
        "the model brings its own code: read it, then submit with --trust-remote-code",
    ),
    (
        r"is not the file that was sent",
        "its files were changed in the bucket before it started: ask who may write to the buckets of the namespace",
    ),
    (r"No space left on device", "the disk is full: submit with larger --hardware"),
    (
        r"402 Client Error|Payment Required|exceeded your monthly included credits",
        "the provider wants to be paid: buy credits at https://huggingface.co/settings/billing",
    ),
    (r"401 Client Error|Invalid username or password", "the token was refused: log in again, then submit again"),
    (r"no task '", "the evaluation script has no such task: see its --list-tasks"),
    (r"No solution found when resolving", "the packages of the script could not be put together by uv"),
)


def hf_command(run: EvalRun, job: EvalJob) -> str:
    """The command of the `hf` program that submits the same job; the token is named, never written."""
    words = ["hf", "jobs", "uv", "run", "--detach", "--flavor", job.flavor, "-s", "HF_TOKEN"]
    words += ["--timeout", run.timeout, "--namespace", run.namespace]
    words += ["--image", run.image] if run.image else []
    for name, value in JOB_ENVIRONMENT.items():
        words += ["-e", f"{name}={value}"]
    for name, value in job_labels(run, job, run.states[job.name].attempt + 1).items():
        words += ["-l", f"{name}={value}"]
    if any(package.startswith("vllm==") for package in run.packages):
        words += ["--with", VLLM]
    return shlex.join([*words, script_word(run.script), *job.arguments])


def failure_cause(message: str | None, log: Sequence[str], ran: float, timeout: int) -> str | None:
    """What is known to lie behind a failure, with what to do; None when nothing is."""
    text = "\n".join([*log, message or ""])
    if (timeout > 0 and ran >= timeout) or re.search(r"job timeout|timed? ?out after", message or "", re.IGNORECASE):
        return f"it ran into its timeout: submit again with a longer --timeout (it was {duration_text(timeout)})"
    return next((advice for pattern, advice in CAUSES if re.search(pattern, text, re.IGNORECASE)), None)


def run_to_json(run: EvalRun) -> dict[str, Any]:
    """What run.json holds."""
    plan = {name: value for name, value in asdict(run).items() if name not in ("jobs", "states", "agreed", "refused")}
    jobs = [asdict(job) | {"state": asdict(state)} for job, state in run.rows()]
    return {"schema_version": RUN_SCHEMA, **plan, "jobs": jobs}


def run_from_json(data: Any, where: Path) -> EvalRun:
    """The run that a run.json holds; ScriptError when it is none, or asks for what no plan of this program asks."""
    if not isinstance(data, dict) or data.get("schema_version") != RUN_SCHEMA:
        raise ScriptError(f"{where}: not a run.json of version {RUN_SCHEMA}: {MADE_AGAIN.format(where.parent.name)}")
    try:
        rows = [dict(row) for row in data["jobs"]]
        states = {row["name"]: JobState(**tuples(row.pop("state"))) for row in rows}
        jobs = tuple(EvalJob(**tuples(row)) for row in rows)
        plan = {name: value for name, value in data.items() if name not in ("schema_version", "jobs", "seal")}
        run = EvalRun(**tuples(plan), jobs=jobs, states=states)
        check_run(run, where.parent.name)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        why = single_line(error)[:200]
        again = MADE_AGAIN.format(where.parent.name)
        raise ScriptError(f"{where}: damaged ({type(error).__name__}: {why}): {again}") from error
    return run


def check_run(run: EvalRun, run_id: str) -> None:
    """ValueError for a run that this program would not have planned: another's script, place, package, type."""
    check_types(run)
    if run.agreed is not None or run.refused:
        raise ValueError("it says what was agreed to, or refused")
    if run.run_id != run_id:
        raise ValueError(f"it is the run {run.run_id}, and stands in the folder {run_id}")
    if run.script not in JOB_SCRIPTS:
        raise ValueError(f"{run.script!r} is none of the scripts that are sent")
    if strange := strange_packages(run.script, run.packages):
        raise ValueError(f"{listing(strange)}: packages that no plan adds")
    for text, form in ((run.results_repo, DATA_SET), (run.namespace, ACCOUNT), (run.image or "x", IMAGE_NAME)):
        if not form.fullmatch(text):
            raise ValueError(f"{text!r} is no name for its place")
    if not run.jobs or len(run.states) != len(run.jobs):
        raise ValueError("no jobs, or two of one name")
    if not DURATION.fullmatch(run.timeout):
        raise ValueError(f"{run.timeout!r} is no timeout")
    for job in run.jobs:
        check_types(job)
        check_types(run.states[job.name])
        if not JOB_NAME.fullmatch(job.name) or job.folder != f"runs/{run_id}/{job.name}":
            raise ValueError(f"the job {job.name!r} has its folder at {job.folder!r}")
        for job_id in (run.states[job.name].job_id, *run.states[job.name].tries):
            if job_id is not None and not JOB_ID.fullmatch(job_id):
                raise ValueError(f"{job_id!r} is no job's id")
        if not FLAVOR_NAME.fullmatch(job.flavor):
            raise ValueError(f"{job.flavor!r} is no hardware")
        spent = (usd for usd in run.states[job.name].tries.values() if usd != NOT_KNOWN)
        amounts = (job.price, job.hours, job.tokens_usd, job.tokens_at_most or 0, *spent)
        if not all(0 <= value < 1e6 for value in (*amounts, run.max_cost or 0)):
            raise ValueError(f"the job {job.name} has a price or a time that is none")


def check_types(value: EvalRun | EvalJob | JobState) -> None:
    """ValueError when a field of a dataclass is not of its type: a text, a number, a tuple of texts, or None."""
    kinds = {"str": str, "float": int | float, "int": int, "str | None": str | None, "float | None": int | float | None}
    kinds |= {"int | None": int | None}
    for field in fields(value):
        given = getattr(value, field.name)
        if field.type == "tuple[str, ...]":
            good = isinstance(given, tuple) and all(isinstance(part, str) for part in given)
        elif field.type in ("dict[str, float]", "dict[str, str]"):
            good = isinstance(given, dict) and all(
                isinstance(part, str if "str]" in field.type else int | float) and not isinstance(part, bool)
                for part in given.values()
            )
        elif field.type == "bool":
            good = isinstance(given, bool)
        else:
            good = isinstance(given, kinds.get(field.type, object)) and not isinstance(given, bool)
        if not good:
            raise ValueError(f"{field.name} is {single_line(given)[:60]!r}, not {field.type}")


def tuples(values: dict[str, Any]) -> dict[str, Any]:
    """Lists, which JSON has, as tuples, which do not change."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def same_plan(old: EvalRun, new: EvalRun) -> bool:
    """Whether two plans ask for the same; hardware, prices and timeout may be others now."""
    return (old.script, old.namespace, old.results_repo, [job.name for job in old.jobs]) == (
        new.script,
        new.namespace,
        new.results_repo,
        [job.name for job in new.jobs],
    )


def run_file(args: argparse.Namespace, run_id: str) -> Path:
    """Where the run.json of a run is; ScriptError for an id that is no name, and for a folder that is a link."""
    if not RUN_ID.fullmatch(run_id):
        raise ScriptError(f"{run_id!r} is no run id: letters, digits, dashes and underscores, at most 60")
    folder = Path(args.runs_dir) / run_id
    if folder.is_symlink():
        raise ScriptError(f"{folder}: a link, and a run is written there: name where it leads with --runs-dir")
    return folder / "run.json"


def load_run(args: argparse.Namespace) -> EvalRun:
    """The run that a verb names; ScriptError with the runs that there are."""
    path = run_file(args, args.run_id)
    if not path.is_file():
        known = sorted(found.parent.name for found in Path(args.runs_dir).glob("*/run.json"))
        hint = f"there are {listing(known[-5:])}" if known else "give its folder with --runs-dir"
        raise ScriptError(f"{path}: no such run; {hint}")
    return read_run(path, args.adopt)


def read_run(path: Path, adopt: bool) -> EvalRun:
    """The run in a run.json that was written here; one of another machine is shown, and taken with --adopt only.

    ScriptError (3) for one without this user's seal: it decides what runs with the user's token and money.
    """
    try:
        data = read_json(path)
    except ScriptError as error:
        raise ScriptError(f"{error}: {MADE_AGAIN.format(path.parent.name)}") from error
    run = run_from_json(data, path)
    if is_sealed(data, RUN_SEAL):
        return run
    lines, size = claimed_lines(run), MAX_MESSAGE // 2
    if sum(map(len, lines)) > MOST_CLAIMED:
        raise ScriptError(f"{path}: of another hand, and more than can be looked through: plan it here", code=3)
    note(f"{path} was not written by you on this machine, or was changed since. It says:")
    for line in map(single_line, lines):  # whole: what is left out of a long line would be agreed to unseen
        for at in range(0, len(line), size):
            note(f"  {line[at : at + size]}")
    if not adopt:
        raise ScriptError(f"{path}: is that what you want? The same command with --adopt goes on with it", code=3)
    # Of this machine's files it decides nothing: no folder is uploaded for it, and the script is made here anew.
    run = replace(without_claims(run), files=run.travelling, uploads={}, script_sha256="")
    save_sealed(path, run)
    note(f"{path} is yours from now on")
    return run


def without_claims(run: EvalRun) -> EvalRun:
    """A run of another hand without what it says of costs and of what became of its jobs: a --max-cost counts on that.

    What its tokens cost at most is not known then, nor with what its results are sealed. Of each job that it names the
    Hub is asked, and what it does not know (the timeout of a job without our label) is not known here; what is
    measured, `collect` finds in the records.
    """
    most = None if run.script == PROVIDER_SCRIPT else 0.0
    jobs = tuple(replace(job, tokens_usd=0.0, tokens_at_most=most) for job in run.jobs)
    states = {
        name: JobState("SCHEDULING" if state.job_id else PLANNED, state.job_id, timeout=NOT_KNOWN)
        for name, state in run.states.items()
    }
    told = "the hours are what another hand has estimated: only the timeout bounds them"
    known = {"prices_known": False, "token_prices": {}, "seals_results": False}
    return replace(run, jobs=jobs, states=states, notes=(told,), **known)


def claimed_lines(run: EvalRun) -> list[str]:
    """All that a run.json decides, for people."""
    locked = locked_ever(run.script)
    other = [row for row in run.packages if row not in locked]
    lines = [
        f"planned by {run.owner or 'nobody who is named'}",
        f"script {run.script}, image {run.image or 'the default'}, packages: {len(run.packages) - len(other)} that are "
        f"locked here, others: {', '.join(other) or 'none'}",
        f"paid by {run.namespace}, timeout {run.timeout}, records to {run.results_repo}",
    ]
    lines += [f"sent with its jobs: the file {name} of this machine" for name in run.files]
    lines += [f"uploaded for it before: {place}" for place in run.uploads]
    lines += [claimed_state(job, state) for job, state in run.rows()]
    return lines + [hf_command(run, job) for job in run.jobs] + [f"{len(run.jobs)} jobs in all"]


def claimed_state(job: EvalJob, state: JobState) -> str:
    """What a run.json says of a job's fate, which only the Hub and the records know."""
    said = [state.stage, *(["measured"] if state.measured else []), f"ran {duration_text(state.seconds)}"]
    said += [f"cost {money(state.spent)}", f"timeout {duration_text(state.timeout)}" if state.timeout else "no timeout"]
    return f"{job.name}: job {state.job_id or '-'}; claimed, and not believed: {', '.join(said)}"


def check_sent_files(run: EvalRun) -> None:
    """ScriptError when a word of a job is a file here that the run does not name: the client would send it instead."""
    for job in run.waiting:
        if found := next((word for word in job.arguments if word not in run.files and is_input(word)), None):
            raise ScriptError(
                f"{single_line(found)}: a file of that name is here, and would be sent in its place: use another folder"
            )


def save_run(args: argparse.Namespace, run: EvalRun) -> None:
    """Write run.json, whole or not at all."""
    save_sealed(run_file(args, run.run_id), run)


def save_sealed(path: Path, run: EvalRun) -> None:
    """Write a run with its seal."""
    content = json.loads(without_secrets(json.dumps(run_to_json(run))))  # as it will be read
    write_whole(path, json.dumps(sealed(content, RUN_SEAL), indent=1) + "\n")


def at_prices_of_today(run: EvalRun, catalog: Catalog) -> EvalRun:
    """The run with the catalog's price on each job that waits; ScriptError for hardware that there is not."""
    waiting = {job.name for job in run.waiting}
    jobs = [replace(job, price=catalog.find(job.flavor).price) if job.name in waiting else job for job in run.jobs]
    return replace(run, jobs=tuple(jobs), prices_known=catalog.known)


@contextlib.contextmanager
def only_one(args: argparse.Namespace, run_id: str) -> Iterator[None]:
    """Let no two commands send jobs of the same run at a time, which would send some twice."""
    from huggingface_hub.utils import WeakFileLock

    path = run_file(args, run_id).with_name(".lock")
    refuse_link_out(path.parent)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        refuse_strange_lock(path)
        with WeakFileLock(path, timeout=LOCK_SECONDS):
            yield
    except TimeoutError as error:
        raise ScriptError(f"{run_id} is being submitted by another command: wait for it, or end it") from error
    except OSError as error:
        raise ScriptError(f"{path}: could not be written: {error.strerror or error}") from error


# --- parts/jobs/following.py ------------------------------------------------------------------------------------------

POLL_SECONDS = 15.0
SUMMARY_SECONDS = 600.0  # between two lines that say where a run stands, when nothing changes
LONGEST_WAIT = 300.0  # between two questions to a Hub that is away
LONGEST_OUTAGE = 86_400.0
HOPELESS = 3  # failures without a success, after which --max-parallel sends no more


def plan_rows(run: EvalRun) -> list[list[str]]:
    """The jobs of a plan."""
    rows = [["job", "models", "tasks", "hardware", "hours", "cost"]]
    for job in run.jobs:
        cost = [job.flavor, f"{job.hours:.2f}", money(job.dollars)]
        rows.append([job.name, names_text(job.models), names_text(job.tasks), *cost])
    return rows


def run_rows(run: EvalRun) -> list[list[str]]:
    """The jobs of a run as they are now."""
    rows = [["job", "hardware", "stage", "try", "ran", "cost", "what"]]
    for job, state in run.rows():
        cost = "not known" if state.unpriced else money(state.spent)
        ran = [str(state.attempt), duration_text(state.seconds), cost]
        what = state.cause or state.message or (f"{len(state.missing)} missing" if state.missing else "")
        rows.append([job.name, state.flavor or job.flavor, state.stage, *ran, what])
    return rows


def summary(run: EvalRun) -> str:
    """One line: how many jobs are where, what they have cost so far and can cost at most, and how long it may take."""
    counts = collections.Counter(state.stage for _, state in run.rows())
    cost = f"{spent_text(run)} so far"
    active = any(state.active for state in run.states.values())
    if active and run.committed is not None:
        cost += f", at most {money(run.committed)}"
    left = f"; {time_left(run)}" if active else ""
    return f"{', '.join(f'{n} {stage}' for stage, n in sorted(counts.items()))}; {cost}{left}"


def time_left(run: EvalRun) -> str:
    """When the jobs that run may have ended, by their estimates."""
    rows = [(job.hours * 3600 - state.seconds, state) for job, state in run.rows() if state.active]
    left = max(seconds for seconds, _ in rows)
    if left > 0:
        return f"about {duration_text(left)} to go, by the estimate"
    if any(state.timeout == NOT_KNOWN for _, state in rows):
        return "longer than estimated; its timeout is not known here"
    ends = max((state.timeout or duration_seconds(run.timeout)) - state.seconds for _, state in rows)
    return f"longer than estimated; its timeout ends it in {duration_text(max(0.0, ends))}"


def cost_lines(run: EvalRun) -> list[str]:
    """What the jobs that wait may take, and what it rests on."""
    waiting, flavors = run.waiting, collections.Counter(job.flavor for job in run.waiting)
    kinds = ", ".join(f"{count} x {name}" for name, count in sorted(flavors.items())) or "nothing"
    hours = sum(job.hours for job in waiting)
    line = (
        f"to send: {len(waiting)} of {len(run.jobs)} jobs ({kinds}), about {hours:.2f} machine hours, "
        f"{money(run.dollars)}; {ceiling_text(run)}"
    )
    before = [f"before: {committed_text(run)}"] if any(state.job_id for state in run.states.values()) else []
    canceled = sum(state.canceled for state in run.states.values())
    if canceled:
        before.append(f"not sent again: {canceled} that were canceled (--canceled sends them)")
    return [line, *before, *run.notes]


def ceiling_text(run: EvalRun) -> str:
    """What the jobs that wait can cost at most, and what is not in that."""
    hardware = sum(job.price for job in run.waiting) * duration_seconds(run.timeout) / 3600
    timeout = f"when each runs into its timeout of {run.timeout}"
    if run.ceiling is None:
        return f"the hardware at most {money(hardware)}, {timeout}; the tokens have no known ceiling"
    tokens = "" if not any(job.tokens_at_most for job in run.waiting) else (
        " and each answer into --max-tokens; prompts that are longer than assumed come on top"
    )  # fmt: skip
    return f"at most {money(run.ceiling)}, {timeout}{tokens}"


def committed_text(run: EvalRun) -> str:
    """What was spent, and what the jobs that run can make of it."""
    most = "" if run.committed is None else f", at most {money(run.committed)} when what runs has ended"
    return f"{spent_text(run)} spent{most if any(state.active for state in run.states.values()) else ''}"


def spent_text(run: EvalRun) -> str:
    """What the jobs have cost, as far as somebody says it."""
    unpriced = sum(state.unpriced for state in run.states.values())
    return f"{money(run.spent)}{f' and the price of {unpriced} jobs, which the Hub does not say' if unpriced else ''}"


def refreshed(client: JobsClient, run: EvalRun) -> EvalRun:
    """The run with every job's stage as the Hub has it; failed jobs with the end of their log and the cause."""
    found = client.jobs_of(run.run_id)
    ours = {job.name: own_jobs(client, run, job, found.get(job.name, [])) for job in run.jobs}
    states = {job.name: state_now(client, run, job, ours[job.name]) for job in run.jobs}
    return replace(run, states=states)


def own_jobs(client: JobsClient, run: EvalRun, job: EvalJob, infos: Sequence[Any]) -> list[Any]:
    """Those of the jobs with a job's labels that were sent for it; each other one is said, and nothing of it counts."""
    kept = []
    for info in infos:
        why = not_ours(client, info, run, job)
        if why is None:
            kept.append(info)
        elif info.id not in client.refused:
            client.refused.add(info.id)
            note(f"warning: the job {info.id} bears the labels of {job.name} and {why}: it counts for nothing")
    return kept


def state_now(client: JobsClient, run: EvalRun, job: EvalJob, infos: Sequence[Any]) -> JobState:
    """A job's state, from what the Hub lists under its labels; the log of a failed one is read once."""
    old, info = run.states[job.name], infos[-1] if infos else None
    listed = {row.id for row in infos}
    if old.active and old.job_id not in listed:  # the list may be behind; the job itself is certain
        own = client.job(old.job_id)
        if own is not None and (why := not_ours(client, own, run, job)):
            said = f"run.json names the job {old.job_id} for it, which {why}"
            old, own = JobState(message=said, timeout=old.timeout), None
        elif own is None and (info is None or attempt_of(info) <= old.attempt):
            old = replace(old, stage="DELETED", message=GONE, cause="it vanished: send it again")
            info = None
        elif own is not None:
            info, infos = own, [*infos, own]
    tries = dict(old.tries)
    for row in infos:
        if (price := price_of(client, run, job, row)) is None:
            tries.setdefault(row.id, NOT_KNOWN)
        else:
            tries[row.id] = max(tries.get(row.id, 0.0), price * seconds_run(row) / 3600)
    old = replace(old, tries=tries)
    known = info is not None and old.job_id == info.id and old.stage in FINISHED
    if info is None or known or attempt_of(info) < old.attempt:  # less: the list is behind
        return old
    return read_state(client, run, job, old, info)


def read_state(client: JobsClient, run: EvalRun, job: EvalJob, old: JobState, info: Any) -> JobState:
    """The state that a job on the Hub gives."""
    stage = str(getattr(info.status.stage, "value", info.status.stage))
    message = client.clean(info.status.message)[:300] if info.status.message else None
    same = old.job_id == info.id
    state = replace(
        old,
        stage=stage,
        job_id=info.id,
        url=info.url,
        attempt=attempt_of(info),
        seconds=seconds_run(info),
        message=message,
        cause=None,
        log=(),
        missing=old.missing if same else (),
        measured=old.measured and same,
        flavor=flavor_of(job, info),
        price=price_of(client, run, job, info),
        timeout=timeout_of(info)
        or (old.timeout if same or old.timeout == NOT_KNOWN else None)
        or duration_seconds(run.timeout),
    )
    if not state.failed or stage == "CANCELED":
        return state
    log = client.log_tail(info.id, SHOWN_LINES)
    return replace(state, log=log, cause=failure_cause(message, log, state.seconds, state.timeout))


def seconds_run(info: Any) -> float:
    """How long a job on the Hub has run, which is what is paid for."""
    return float((info.durations and info.durations.running_secs) or 0)


def flavor_of(job: EvalJob, info: Any) -> str:
    """The hardware of a job on the Hub."""
    return str(getattr(info.flavor, "value", info.flavor or job.flavor))


def price_of(client: JobsClient, run: EvalRun, job: EvalJob, info: Any) -> float | None:
    """What an hour of a job on the Hub costs: as it was when it was sent, else today; None where nobody says it."""
    old, flavor = run.states[job.name], flavor_of(job, info)
    if old.price is not None and old.flavor == flavor:
        return old.price
    planned_here = run.prices_known and old.job_id is None and flavor == job.flavor  # else others say the price
    return job.price if planned_here else client.price(flavor)


def send_jobs(
    args: argparse.Namespace, client: JobsClient, run: EvalRun, as_agreed: Callable[[EvalRun], EvalRun]
) -> EvalRun:
    """Send the jobs that wait, each once, at most --max-parallel at a time; run.json is written after each.

    as_agreed: looks before some are sent whether they are still what was agreed to.
    """
    sent: list[str] = []
    run, script = packed(run, run_file(args, run.run_id).parent)
    while queue := [job.name for job in run.waiting if job.name not in sent]:
        active = sum(state.active for state in run.states.values())
        room = len(queue) if args.max_parallel is None else max(0, args.max_parallel - active)
        run = as_agreed(run) if room else run
        for job in [job for job in run.jobs if job.name in queue[:room]]:
            old = run.states[job.name]
            with packed_job(run, job, script) as (copied, files):
                info = client.submit(run, copied, old.attempt + 1, files)
            tries = {**old.tries, info.id: old.tries.get(info.id, 0.0)}
            place = {"flavor": job.flavor, "price": job.price, "timeout": duration_seconds(run.timeout)}
            state = JobState("SCHEDULING", info.id, info.url, old.attempt + 1, tries=tries, **place)
            run = replace(run, states={**run.states, job.name: state})
            save_run(args, run)
            sent.append(job.name)
            note(f"sent {job.name} to {job.flavor}: {info.url}")
        if left := len(queue[room:]):
            if room:
                note(f"{left} jobs wait for room (--max-parallel {args.max_parallel})")
            time.sleep(POLL_SECONDS)
            run = refreshed(client, run)
            save_run(args, run)
            check_hope(run, sent)
    return run


def check_hope(run: EvalRun, sent: Sequence[str]) -> None:
    """Stop sending when the first jobs have failed and none has succeeded: the others would cost and fail as well."""
    failed = [name for name in sent if run.states[name].failed]
    if any(run.states[name].canceled for name in sent):
        raise ScriptError("a job was canceled, so the rest is not sent", code=1)
    if len(failed) >= HOPELESS and not any(state.succeeded for state in run.states.values()):
        raise ScriptError(
            f"{len(failed)} jobs have failed and none has succeeded, so the rest is not sent; "
            f"see {this_script()} status {run.run_id}",
            code=1,
        )


def follow(args: argparse.Namespace, client: JobsClient, run: EvalRun) -> EvalRun:
    """Look at the jobs until none runs: a live table in a terminal, else the table once and a line for each change.

    While the Hub is away it is asked again, less and less often: the jobs go on without this program.
    """
    wait, away_since = POLL_SECONDS, None
    with live_table() as show:
        while True:
            try:
                before, run = run, refreshed(client, run)
            except HubAway as error:
                now = time.monotonic()
                if away_since is None:
                    note(f"{error}; the jobs go on; the Hub is asked until it answers (Ctrl-C is safe)")
                away_since = away_since or now
                if now - away_since > LONGEST_OUTAGE:
                    raise
                time.sleep(wait)
                wait = min(2 * wait, LONGEST_WAIT)
                continue
            if away_since is not None:
                note("the Hub answers again")
            wait, away_since = POLL_SECONDS, None
            if run.states != before.states:
                save_run(args, run)
            show(before, run)
            if not any(state.active for state in run.states.values()):
                return run
            time.sleep(POLL_SECONDS)


@contextlib.contextmanager
def live_table() -> Iterator[Callable[[EvalRun, EvalRun], None]]:
    """Yields a function that shows a run after a look at it."""
    if not sys.stderr.isatty():
        said = [0.0]

        def lines(before: EvalRun, run: EvalRun) -> None:
            now, old = time.monotonic(), before.states
            changed = [(job, state) for job, state in run.rows() if state.stage != old[job.name].stage]
            if not said[0]:
                note(render_table(run_rows(run)))
            for job, state in changed:
                note(f"{job.name}: {state.stage}{f' ({state.cause or state.message})' if state.failed else ''}")
            if changed or not said[0] or now - said[0] > SUMMARY_SECONDS:
                note(summary(run))
                said[0] = now

        yield lines
        return
    from rich.live import Live

    with Live(console=terminal_console(stderr=True), auto_refresh=False, transient=True) as live:
        yield lambda _, run: live.update(rich_rows(run_rows(run), summary(run)), refresh=True)


def show_failures(run: EvalRun) -> None:
    """The end of the log of failed jobs, and what to do."""
    failed = [(job, state) for job, state in run.rows() if state.failed and not state.canceled]
    for job, state in failed[:SHOWN_FAILURES]:
        note(f"\n{job.name}: {state.stage}{f' ({state.message})' if state.message else ''}; the end of its log:")
        for line in state.log or ("(no log)",):
            note(f"  {line}")
        note(f"  cause: {state.cause or 'not known'}")
    if len(failed) > SHOWN_FAILURES:
        note(f"\n{len(failed) - SHOWN_FAILURES} more failed: {this_script()} logs {run.run_id} --job NAME")
    planned = sum(state.stage == PLANNED for state in run.states.values())
    if planned:
        note(f"\n{planned} jobs were not sent yet")
    canceled = sum(state.canceled for state in run.states.values())
    if run.waiting:
        note(f"\nsend what is missing or failed: {this_script()} --run-id {run.run_id}")
    if canceled:
        note(f"\n{canceled} were canceled, and are sent again with --canceled: {this_script()} --run-id {run.run_id}")


def this_script() -> str:
    """This script as it is started from here."""
    return run_line(Path(__file__).name)


def known_spent(run: EvalRun) -> float | None:
    """Dollars that a run has cost, for JSON; None where nobody says them all."""
    return None if any(state.unpriced for state in run.states.values()) else round(run.spent, 4)


def print_run(run: EvalRun, as_json: bool) -> None:
    """The state of a run on stdout."""
    if as_json:
        most = None if run.committed is None else round(run.committed, 4)
        money_of = {"usd_spent": known_spent(run), "usd_at_most": most}
        print(json.dumps(run_to_json(run) | money_of | {"summary": summary(run)}, indent=1))
    elif sys.stdout.isatty():
        terminal_console().print(rich_rows(run_rows(run), summary(run)))
    else:
        print(f"{render_table(run_rows(run))}\n\n{summary(run)}")


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


# --- parts/jobs/results.py --------------------------------------------------------------------------------------------

MOST_TOO_LARGE = 100
UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
RECORD_PATH = re.compile(rf"data/(?:\w[\w.-]*/){{3}}{UUID}\.json")
FAILURE_PATH = re.compile(rf"data/(?:\w[\w.-]*/){{3}}{UUID}_failure\.json")


def is_of_model(record: dict[str, Any], model: str) -> bool:
    """Whether a record is of the model that a job was given."""
    repo, below, revision = split_place(model)
    info = record["model_info"]
    details = info.get("additional_details") if isinstance(info.get("additional_details"), dict) else {}
    if info["id"] == repo and (revision or below):
        same = revision is None or revision in (details.get("checkpoint"), details.get("revision"))
        return same and (details.get("subfolder") or "") == below
    return info["id"] in (model, repo)


def is_of_task(record: dict[str, Any], task: str, aliases: Mapping[str, set[str]]) -> bool:
    """Whether a record is of the task asked for: by the request that it kept, else by its task's names."""
    details = record["eval_library"].get("additional_details") or {}
    asked, done = details.get("task_request"), details.get("task")
    names = [asked, done, *(result.get("evaluation_name") for result in record["evaluation_results"])]
    wanted = {task_key(task), *aliases.get(task_key(task), ())}
    keys = {key for name in names if name for key in (task_key(name), task_key(name.split(":", 1)[0]))}
    shots = {task_shots(name) for name in (asked, done) if name and task_shots(name) is not None}
    return bool(wanted & keys) and (task_shots(task) is None or not shots or task_shots(task) in shots)


def missing_tasks_of(
    job: EvalJob, records: Sequence[dict[str, Any]], aliases: Mapping[str, set[str]]
) -> tuple[str, ...]:
    """`model task` for what a job was asked and has no record of; a family needs all its parts."""
    missing = []
    for model in job.models:
        for task in job.tasks:
            found = [row for row in records if is_of_model(row, model) and is_of_task(row, task, aliases)]
            details = [row["eval_library"].get("additional_details") or {} for row in found]
            wanted = max((count_in(row.get("task_group")) or 1 for row in details), default=1)
            if len({row.get("task", number) for number, row in enumerate(details)}) < wanted:
                missing.append(f"{model} {task}")
    return tuple(missing)


def fetch_folder(client: JobsClient, run: EvalRun) -> Path:
    """A copy of the run's folder in the data set."""
    from huggingface_hub import snapshot_download

    with job_errors(f"reading {run.results_repo}", client.token):
        # Named, because snapshot_download answers with an older copy when it cannot ask for the newest.
        revision = client.patiently(client.api.dataset_info, run.results_repo).sha
        folder = Path(
            client.patiently(
                snapshot_download,
                run.results_repo,
                repo_type="dataset",
                revision=revision,
                allow_patterns=[f"runs/{run.run_id}/*{ending}" for ending in RESULT_ENDINGS],
                ignore_patterns=client.patiently(too_large, client.api, run, revision),
                token=client.token,
                endpoint=client.api.endpoint,
            )
        )
        if not (folder / "runs" / run.run_id).is_dir():
            require_list()  # of its files; else what was measured would be paid for again
        return folder


def too_large(api: Any, run: EvalRun, revision: str) -> list[str]:
    """Patterns of the files of a run in the data set that no reader would take: others may write there, too.

    ScriptError where there are many of them.
    """
    from huggingface_hub.errors import EntryNotFoundError

    folder, found = f"runs/{run.run_id}", []
    with contextlib.suppress(EntryNotFoundError):  # nothing is there yet
        tree = api.list_repo_tree(run.results_repo, folder, repo_type="dataset", revision=revision, recursive=True)
        found = [entry.path for entry in tree if hasattr(entry, "blob_id") and entry.size > MAX_SAMPLES]
    if found:
        note(f"left there, larger than {MAX_SAMPLES >> 20} MB: {listing(found)}")
    if len(found) > MOST_TOO_LARGE:
        raise ScriptError(
            f"{run.results_repo}: {len(found):,} files in {folder} are larger than any of a run: see there"
        )
    return [glob.escape(name) for name in found]


def collect_job(job: EvalJob, fetched: Path, output: Path, aliases: Mapping[str, set[str]], key: str = "") -> Collected:
    """Copy a job's sound records into OUTPUT/data; one that is there already stays as it is.

    key: with which the job sealed what it wrote; "": that it did is not looked at.
    """
    place = fetched / job.folder
    names = sorted(path.relative_to(place).as_posix() for path in place.rglob("*.json")) if place.is_dir() else []
    records, contents, sound = [], [], set()
    unsound, problems = [], []
    vocabulary = vocabulary_of(read_mapping())
    for name in names:
        if FAILURE_PATH.fullmatch(name):
            continue
        if not RECORD_PATH.fullmatch(name):
            problems.append(f"{name}: not a place for a record")
            continue
        problem, record, doubts = checked_record(place / name, vocabulary)
        problem = problem or other_than_asked(job, record, aliases)
        if key and not has_seal(fetched, f"{job.folder}/{name}", key):
            problem = "not what the job wrote: it has no seal of this run (--adopt takes all, whoever wrote it)"
        if problem:
            unsound.append((name, problem))
            continue
        contents.append(record)
        sound.add(Path(name).parent)
        if kept := kept_problem(place, output, name):
            problems.append(f"{name}: {kept}")
        else:
            records.append(name)
            problems += [f"{name}: kept, not valid: {listing(doubts, 3)}"] if doubts else []
    missing = missing_tasks_of(job, contents, aliases)
    later = [name for name, _ in unsound if not missing and Path(name).parent in sound]
    problems += [f"{name}: {problem}" for name, problem in unsound if name not in later]
    problems += [f"{name}: {text}" for name, text in failures(place, names, contents)]
    return Collected(tuple(records), missing, tuple(problems), tuple(later))


def other_than_asked(job: EvalJob, record: dict[str, Any], aliases: Mapping[str, set[str]]) -> str | None:
    """Why a record is not of what a job was given, or None."""
    if not any(is_of_model(record, model) for model in job.models) or not any(
        is_of_task(record, task, aliases) for task in job.tasks
    ):
        return "a record of a model or task that this job was not given"
    asked = job.arguments[job.arguments.index("--limit") + 1] if "--limit" in job.arguments else ""
    for result in record["evaluation_results"]:
        said = limit_of(result, record)
        if said != asked:
            return (
                f"measured with {f'--limit {said}' if said else 'no --limit'}, and the job was given {asked or 'none'}"
            )
    return None


def checked_record(path: Path, vocabulary: MetricMapping) -> tuple[str | None, dict[str, Any], list[str]]:
    """(the reason why a record is not what was measured or None, the record, what the gate says against its scores).

    One that was cut, altered or contradicts itself counts as missing: it is measured again. A sound record with scores
    that no reader will use is brought home all the same, and that is said.
    """
    try:
        record = read_record(path)
        if record is None:
            return f"not a record of schema {RECORD_SCHEMA}", {}, []
        for part in ("evaluation_id", "retrieved_timestamp", "source_metadata", "model_info", "eval_library"):
            if not record.get(part):
                return f"no {part}", {}, []
        library = record["eval_library"]
        details = library.get("additional_details") or {} if isinstance(library, dict) else None
        if not isinstance(details, dict) or not all(isinstance(text, str) for text in details.values()):
            return "no eval_library with additional_details of text", {}, []
        if not identity_of(record).id:
            return "no model_info.id", {}, []
        wrong = contradictions(path, record, vocabulary)
        readings = [] if wrong else read_results(path, record, vocabulary)
    except (ScriptError, OSError, ValueError) as error:
        text = str(error).replace(f"{path}: ", "").replace(f"{samples_path(path)}: ", "")
        return f"cannot be read ({text[:160]})", {}, []
    if wrong:
        return listing(wrong, 3), {}, []
    return None, record, [f"{one.run.task}: {reason}" for one in readings for reason in one.run.validity.reasons]


def kept_problem(place: Path, output: Path, name: str) -> str | None:
    """Copy a record and its samples, samples first; the reason when another file has its name already."""
    for part in (f"{name.removesuffix('.json')}_samples.jsonl", name):
        text, target = input_text(place / part, MAX_SAMPLES), output / part
        if without_secrets(text) != text:
            return f"{part} has what looks like a token in it, which no file here keeps: it was left there"
        if target.is_file() and input_text(target, MAX_SAMPLES) != text:
            return f"{target} is there already and differs: it was kept"
        if not target.is_file():
            write_whole(target, text)
    return None


def failures(place: Path, names: Sequence[str], records: Sequence[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """The failure files of tasks that no later try has measured, and what they say in one line."""
    done = {
        (row["model_info"]["id"], (row["eval_library"].get("additional_details") or {}).get("task")) for row in records
    }
    for name in names:
        if not FAILURE_PATH.fullmatch(name):
            continue
        try:
            content = read_json(place / name)
            if (content["model_id"], content["task"]) not in done:
                yield name, scrub(f"{content['model_id']} {content['task']} failed: {content['error']}")[:300]
        except (ScriptError, KeyError, TypeError):
            yield name, "a failure file that cannot be read"


# --- parts/jobs/tasks.py ----------------------------------------------------------------------------------------------

# Items of the evaluated splits, for estimates; what is not here is assumed to have ASSUMED_ITEMS.
ITEMS = {
    "agieval": 8062,
    "aime": 30,
    "aime_2024": 30,
    "aime_2025": 30,
    "aime24": 30,
    "aime25": 30,
    "arc": 3548,
    "arc_c": 1172,
    "arc_challenge": 1172,
    "arc_e": 2376,
    "arc_easy": 2376,
    "bbh": 6511,
    "boolq": 3270,
    "drop": 9536,
    "gpqa": 448,
    "gpqa_diamond": 198,
    "gsm8k": 1319,
    "hellaswag": 10042,
    "hle": 2500,
    "humaneval": 164,
    "ifeval": 541,
    "math": 5000,
    "math_500": 500,
    "mbpp": 500,
    "mmlu": 14042,
    "mmlu_pro": 12032,
    "musr": 756,
    "piqa": 1838,
    "simpleqa": 4326,
    "truthfulqa": 817,
    "winogrande": 1267,
}
ASSUMED_ITEMS = 1000
PROMPT_TOKENS = 300  # of one item or one example
ANSWER_TOKENS = 500
CHOICES = 4  # prompts that are read for an item whose choices are compared
EPOCHS = {"gpqa_diamond": 4}  # how often inspect asks each item of a task, where it is not once

SAFE_LENGTH = 8192
LONGEST_ANSWER = 32768  # that lighteval lets tasks of mathematics and science write
LONG_ANSWERS = ("aime", "gpqa", "math_500", "livecodebench", "olympiad", "hle")

# Tasks that lighteval and lm-eval score by the likelihood of choices, or by an answer of a few tokens at most.
WITHOUT_WRITING = {
    "arc", "arc_challenge", "arc_easy", "anli", "bbq", "belebele", "blimp", "boolq", "c_eval", "cmmlu", "commonsenseqa",
    "copa", "hellaswag", "kmmlu", "lambada", "logiqa", "mathqa", "medmcqa", "medqa", "mmlu", "mnli", "musr",
    "openbookqa", "piqa", "pubmedqa", "race_high", "sciq", "siqa", "sst2", "storycloze", "swag", "toxigen",
    "truthfulqa", "truthfulqa_mc1", "winogender", "winogrande", "wsc273", "xcopa", "xnli", "xstorycloze", "xwinograd",
}  # fmt: skip
ONLY_IN = {"lm_eval": {"gpqa", "gpqa_diamond"}, "lighteval": {"bbh"}, "inspect": set()}  # that are scored so there


@functools.cache
def mapping_entries() -> Mapping[str, Any]:
    """metric_mapping.json, when it is beside the scripts."""
    path = Path(__file__).resolve().parent.parent / "metric_mapping.json"
    return read_json(path) if path.is_file() else {}


def mapped_names() -> dict[str, dict[str, str]]:
    """Canonical key -> harness -> its name there, from metric_mapping.json when it is beside the scripts."""
    return {
        key: {
            name: task_key(entry[name])
            for name in ("lighteval", "inspect", "lm_eval")
            if isinstance(entry.get(name), str)
        }
        for key, entry in mapping_entries().items()
        if isinstance(entry, dict)
    }


def task_aliases() -> dict[str, set[str]]:
    """Canonical key -> the names that harnesses give it."""
    return {key: set(names.values()) for key, names in mapped_names().items()}


def task_warnings(tasks: Sequence[str], framework: str, script: str) -> tuple[str, ...]:
    """A warning for each task that no list here has for a framework: its job would end at once, and be paid for."""
    found, mapped = [], mapped_names()
    here = {name for key, names in mapped.items() if framework in names for name in (key, names[framework])}
    for task in tasks:
        name = task_key(task)
        if not here or name in here or task_key(task.split(":", 1)[0]) in here:
            continue
        others = " or ".join(mapped.get(name, ()))
        close = ", ".join(difflib.get_close_matches(name, here, n=3))
        hint = f"{others} has it" if others else f"did you mean {close}?" if close else "it may be there all the same"
        found.append(
            f"warning: {task}: not known to be a task of {framework} ({hint}); look before you pay: "
            f"{run_line(script)} {option_words('--list-tasks', plain_task(task))}"
        )
    return tuple(found)


def canonical_task(task: str, framework: str) -> str:
    """The canonical key of a framework's task, or of the family that it is a part of; its own name when it has none.

    "arc:easy|0" -> arc_easy    "mmlu:anatomy|5" -> mmlu    "social_iqa" -> siqa
    """
    mapped = mapped_names()
    for name in (task_key(task), task_key(task.split(":", 1)[0])):
        if name in mapped:
            return name
        if key := next((key for key, names in mapped.items() if names.get(framework) == name), None):
            return key
    return task_key(task)


def task_parts(task: str, framework: str) -> int:
    """How many tasks a family stands for: 57 for "mmlu", 1 for "mmlu:anatomy"."""
    key, entries = canonical_task(task, framework), mapping_entries()
    names = {key, *mapped_names().get(key, {}).values()}
    rules = entries.get(key, {}).get("parts") if isinstance(entries.get(key), dict) else None
    whole = framework != "inspect" and task_key(task) in names  # inspect's families are one task
    return len(str(rules[0]["names"]).split()) if rules and whole else 1


def task_items(task: str, limit: int | None, framework: str = "lighteval") -> tuple[int, bool]:
    """How many items a task has, and whether that is known; a family's number, and --limit, is that of all its parts.

    With inspect's own repeats of an item, each of them.
    """
    names = (task_key(task), task_key(task.split(":", 1)[0]), canonical_task(task, framework))
    known = next((ITEMS[name] for name in names if name in ITEMS), None)
    items = ASSUMED_ITEMS if known is None else known
    count = min(items, limit * task_parts(task, framework)) if limit else items
    return count * (EPOCHS.get(names[2], 1) if framework == "inspect" else 1), known is not None


def task_tokens(task: str, limit: int | None, framework: str = "lighteval") -> tuple[float, float]:
    """Tokens of the prompts that are read for a task, and of the answers that are written."""
    items, key = task_items(task, limit, framework)[0], canonical_task(task, framework)
    prompts = items * PROMPT_TOKENS * (1 + (task_shots(task) or 0))
    if key in ONLY_IN[framework] or (framework != "inspect" and key in WITHOUT_WRITING):
        return prompts * CHOICES, 0.0
    return prompts, items * ANSWER_TOKENS


def needed_length(tasks: Sequence[str], framework: str) -> int:
    """The tokens of the longest request that tasks make, roughly: a power of two, and 8,192 at least."""
    most = SAFE_LENGTH
    for task in tasks:
        key = canonical_task(task, framework)
        long = framework != "lm_eval" and any(key.startswith(name) for name in LONG_ANSWERS)
        answer = LONGEST_ANSWER if long else 4 * ANSWER_TOKENS if task_tokens(task, None, framework)[1] else 0
        most = max(most, answer + 2 * PROMPT_TOKENS * (1 + (task_shots(task) or 0)))
    return 1 << (most - 1).bit_length()


def assumed_tokens(tasks: Sequence[str], limit: int | None, framework: str) -> str:
    """What an estimate assumes of the tokens and items of tasks, in words."""
    unknown = [task for task in tasks if not task_items(task, limit, framework)[1]]
    unwritten = [task for task in tasks if not task_tokens(task, limit, framework)[1]]
    answers = f"{ANSWER_TOKENS} answer tokens" if len(unwritten) < len(tasks) else ""
    if unwritten:
        answers += f"{', and ' if answers else ''}{CHOICES} choices and no answer tokens for {names_text(unwritten)}"
    parts = sum(task_parts(task, framework) for task in tasks)
    limited = f"; --limit {limit} counts for each of {parts} subtasks" if limit and parts > len(tasks) else ""
    guessed = f"; {ASSUMED_ITEMS} items assumed for {names_text(unknown)}" if unknown else ""
    return f"{PROMPT_TOKENS} prompt tokens for an item and each example, {answers}{limited}{guessed}"


# --- parts/jobs/commands.py -------------------------------------------------------------------------------------------

# Flags that do not change the plan of a run.
FREE_FLAGS = {
    *("verb", "run", "run_id", "runs_dir", "model", "task", "timeout", "namespace", "max_cost", "max_parallel"),
    *("yes", "wait", "json", "dry_run", "adopt", "canceled"),
}
JOB_SPLITS = ("model", "task", "both")
MOST_DOLLARS = 1_000_000
MAX_WORD = 200  # bytes of a model's or task's name


TokenPrices = Callable[[EvalRun], Mapping[str, float]]  # those of now, as the plan has those of then


def submit(
    args: argparse.Namespace,
    planned: Callable[[argparse.Namespace, JobsClient | None], EvalRun],
    token_prices: TokenPrices = lambda run: {},
) -> int:
    """Plan a run or take up the one on disk, show it, ask, send what is missing or failed."""
    client = connected(args)
    run = resumed(args, client, planned)
    if client:
        client.namespace = run.namespace  # of the run that is gone on with
        run = at_prices_of_today(run, client.catalog()) if not args.model else run
        run = check_owner(run, client, args) if not args.dry_run else run
    if client and (args.run_id or not args.dry_run):
        run = refreshed(client, run)
    problem = objection_to(run, token_prices)
    show_run_plan(run, args, problem)
    if problem:
        raise problem
    if args.dry_run:
        return 0
    if run.waiting:
        consent(run, args)
        run = replace(run, agreed=tuple(job.name for job in run.waiting))
        client.open_private(run.results_repo, "dataset", "--results-repo")
        upload_checkpoints(client, run)
        run = send_missing(args, client, run, token_prices)
    else:
        save_run(args, run)
        note("nothing to send: no job is missing or has failed")
    if args.wait:
        return finished_run(args, follow(args, client, run))
    print_run(run, args.json)
    note(f"next: {this_script()} wait {run.run_id}, then {this_script()} collect {run.run_id}")
    return 0


def send_missing(args: argparse.Namespace, client: JobsClient, run: EvalRun, token_prices: TokenPrices) -> EvalRun:
    """Send what was agreed to and still waits; an error says how to go on with the run."""
    shown, path = run, run_file(args, run.run_id)
    with only_one(args, run.run_id):
        if path.is_file():  # what another command has sent or brought home meanwhile is not sent again
            now = read_run(path, args.adopt)
            if not same_plan(now, run):
                raise ScriptError(f"{path}: another command has planned other jobs meanwhile: look at it again", 3)
            run = replace(run, states=now.states)
        run = refreshed(client, run)
        save_run(args, run)
        note(f"the plan and the state of every job: {path}")
        if late := {job.name for job in replace(run, agreed=None).waiting} - set(run.agreed or ()):
            note(f"not sent, since they wait only now and were not shown: {listing(sorted(late))}")
        try:
            run = send_jobs(args, client, run, lambda now: as_agreed(client, shown, now, token_prices))
        except ScriptError as error:
            raise ScriptError(f"{error}; go on with: {this_script()} --run-id {run.run_id}", error.code) from error
    return replace(run, agreed=None)


def as_agreed(client: JobsClient, shown: EvalRun, run: EvalRun, token_prices: TokenPrices) -> EvalRun:
    """The run as it is when jobs of it are sent, at the prices of now; ScriptError (3) when it is no more what was
    shown: jobs at a higher price, above --max-cost, other files."""
    if shown.prices_known:
        run = at_prices_of_today(run, client.catalog())
    prices = {job.name: job.price for job in shown.jobs}
    dearer = next((job for job in run.waiting if job.price > prices[job.name]), None)
    if dearer:
        raise ScriptError(
            f"{dearer.name}: {money(prices[dearer.name])} for an hour of {dearer.flavor} were shown, and it is "
            f"{money(dearer.price)} now: not sent",
            code=3,
        )
    if problem := objection_to(run, token_prices):
        raise ScriptError(f"not what was agreed to any more: {problem}", code=3)
    return run


def objection_to(run: EvalRun, token_prices: TokenPrices) -> ScriptError | None:
    """Why the jobs that wait are not sent, or None."""
    try:
        refuse_models(run)
        check_own_files(run)
        check_sent_files(run)
        check_times(run)
        check_cost(run)
        if run.waiting and run.token_prices:
            check_token_prices(run, token_prices(run))
    except ScriptError as error:
        return error
    return None


def refuse_models(run: EvalRun) -> None:
    """ScriptError (1) when some of the models cannot run: the plan is that of the others."""
    if run.refused:
        left = "it" if len(run.refused) == 1 else "them"
        line = f"nothing was sent; the same command without {left} sends what is shown"
        raise ScriptError("\n".join((*run.refused, line)), code=1)


def show_run_plan(run: EvalRun, args: argparse.Namespace, problem: ScriptError | None) -> None:
    """What would be sent: on stdout for a dry run, where it is the answer, else on stderr; with --json also why not."""
    commands = {job.name: hf_command(run, job) for job in run.waiting}
    if args.json and (args.dry_run or problem):
        estimate = {"usd": round(run.dollars, 4), "usd_at_most": rounded_cents(run.ceiling)}
        estimate |= {
            "to_send": len(run.waiting),
            "usd_spent": known_spent(run),
            "usd_at_most_in_all": rounded_cents(run.at_most),
        }
        reason = {"reason": str(problem)} if problem else {}
        print(json.dumps(run_to_json(run) | {"estimate": estimate, "commands": commands} | reason, indent=1))
        return
    parts = [render_table(plan_rows(run)), "", *cost_lines(run), f"records: {run.results_repo}/runs/{run.run_id}/"]
    if commands:
        other = f" (and {len(commands) - 1} like it: --json)" if len(commands) > 1 else ""
        parts += ["", f"by hand, in versions of the day{other}:", f"  {next(iter(commands.values()))}"]
    print("\n".join(parts), file=sys.stdout if args.dry_run else sys.stderr)


def rounded_cents(amount: float | None) -> float | None:
    """Dollars to the next cent above: what is called a ceiling is none that is rounded down."""
    return None if amount is None else math.ceil(round(amount * 100, 6)) / 100


def check_submission(args: argparse.Namespace) -> None:
    """What argparse cannot know of the flags of any submission."""
    duration_seconds(args.timeout or DEFAULT_TIMEOUT)
    defaults = vars(args.parser.parse_args([]))
    changed = [name for name, value in vars(args).items() if name not in FREE_FLAGS and value != defaults[name]]
    if changed and not args.model:
        flag = changed[0].replace("_", "-")
        raise ScriptError(
            f"--{flag}: --run-id alone goes on with the plan as it is: give --model and --task again as well"
        )
    sizes = ("tensor_parallel_size", "max_model_len", "batch_size", "max_connections", "max_tokens")
    for name in ("limit", "max_parallel", "max_cost", *sizes):
        if getattr(args, name, None) is not None and not getattr(args, name) > 0:  # "not": --max-cost nan
            raise ScriptError(f"--{name.replace('_', '-')} must be above 0")
    if args.max_cost is not None and args.max_cost >= MOST_DOLLARS:
        raise ScriptError(f"--max-cost {args.max_cost:g} is no cap: below {MOST_DOLLARS:,} dollars")
    if args.results_repo and not DATA_SET.fullmatch(args.results_repo):
        raise ScriptError(f"--results-repo {args.results_repo}: write OWNER/NAME")
    for name in ("model", "task"):
        values = getattr(args, name) or []
        if len(set(values)) < len(values):
            raise ScriptError(f"--{name}: {max(values, key=values.count)} is named twice")
    for word in [*(args.model or []), *(args.task or [])]:
        if len(word.encode()) > MAX_WORD:
            raise ScriptError(f"{word[:60]}...: longer than {MAX_WORD} bytes, which the client cannot send")
    for task in args.task or []:
        if ".py" in task:
            raise ScriptError(
                f"--task {task}: a file of this machine, which a job cannot see: name a task of the package"
            )
        if task.startswith("-") or not task.strip() or "," in task:
            raise ScriptError(f"--task {task!r} is no task: write them apart, without commas")


def connected(args: argparse.Namespace) -> JobsClient | None:
    """The Hub with the user's token; for a dry run None when there is no token or no network."""
    try:
        client = JobsClient(job_token(), args.namespace)
        if args.dry_run and args.namespace:
            client.account()  # is the Hub there?
        return client
    except ScriptError as error:
        if not args.dry_run:
            raise
        note(f"warning: planned without the Hub ({error})")
        return None


def resumed(
    args: argparse.Namespace,
    client: JobsClient | None,
    planned: Callable[[argparse.Namespace, JobsClient | None], EvalRun],
) -> EvalRun:
    """The run of --run-id, which must be the one asked for when models are given too; else a new plan."""
    path = run_file(args, args.run_id) if args.run_id else None
    old = read_run(path, args.adopt) if path and path.is_file() else None
    if not args.model:
        if old is None:
            raise ScriptError(f"--run-id {args.run_id}: no {path}: give --model and --task as well")
        return with_wishes(replace(old, timeout=args.timeout or old.timeout), args)
    new = with_wishes(planned(args, client), args)
    if old is None:
        return new
    refuse_models(new)
    if not same_plan(old, new):
        raise ScriptError(
            f"--run-id {args.run_id} was planned for other jobs ({path}): leave --model and --task out "
            "to go on with it, or give another --run-id"
        )
    kept = {"states": old.states, "packages": old.packages, "script_sha256": old.script_sha256}
    return replace(new, **kept, max_cost=old.max_cost if args.max_cost is None else args.max_cost)


def with_wishes(run: EvalRun, args: argparse.Namespace) -> EvalRun:
    """The run with what a command may say anew: its cap, whether canceled jobs are wanted after all."""
    return replace(
        run, max_cost=run.max_cost if args.max_cost is None else args.max_cost, canceled_too=bool(args.canceled)
    )


def check_owner(run: EvalRun, client: JobsClient, args: argparse.Namespace) -> EvalRun:
    """The run with its owner; ScriptError (3) when the token is another account's than the one that planned it."""
    account = client.account()
    if run.owner and run.owner != account and not args.adopt:
        raise ScriptError(
            f"--run-id {run.run_id} was planned by {run.owner}, and this token is {account}'s: "
            "log in as the former, or add --adopt",
            code=3,
        )
    return replace(run, owner=account)


def check_times(run: EvalRun) -> None:
    """ScriptError (3) when a job is estimated to be cut off by its timeout: it would be paid for and give little."""
    late = [job for job in run.waiting if job.hours * 3600 > duration_seconds(run.timeout)]
    if not late:
        return
    longest = max(job.hours for job in late)
    raise ScriptError(
        f"{len(late)} of {len(run.waiting)} jobs are estimated to need up to {duration_text(longest * 3600)}, and "
        f"--timeout {run.timeout} would cut them off: {longer(run, longest)}, or shorter jobs: --split both, --limit N",
        code=3,
    )


def longer(run: EvalRun, hours: float) -> str:
    """The --timeout for jobs of so many hours, with half as much again where the run's --max-cost bears it."""
    wanted = f"{math.ceil(1.5 * hours)}h"
    if run.max_cost is None or (most := replace(run, timeout=wanted).at_most) is None or most <= run.max_cost + 1e-9:
        return f"--timeout {wanted} would do"
    if (minutes := paid_minutes(run)) >= 60 * hours:
        return f"--timeout {minutes}m would do (more is above --max-cost {run.max_cost:g})"
    least = math.ceil(hours)
    most = replace(run, timeout=f"{least}h").at_most or 0.0
    return f"--timeout {least}h with --max-cost {math.ceil(most)} would do (it costs {money(most)} at most)"


def check_cost(run: EvalRun) -> None:
    """ScriptError when the run could cost more than --max-cost (1), or nobody knows whether it could (3).

    What counts is the largest possible cost: spent, running and waiting jobs, each until its timeout.
    """
    if run.max_cost is None or not run.waiting:
        return
    cap = f"--max-cost {run.max_cost:g}"
    if not run.prices_known:
        raise ScriptError(f"{cap}: the Hub did not say its prices of today, so nothing bounds the cost: try later", 3)
    if run.at_most is None:
        raise ScriptError(f"{cap}: {unknown_ceiling(run)}", code=3)
    if run.at_most <= run.max_cost + 1e-9:
        return
    before = f" ({committed_text(run)})" if run.committed else ""
    raise ScriptError(
        f"{money(run.at_most)} is what the run can cost at most{before}, which is above {cap}: not sent; "
        f"{cheaper(run)}, or a higher --max-cost",
        code=1,
    )


def check_token_prices(run: EvalRun, now: Mapping[str, float]) -> None:
    """ScriptError (3) when a provider's tokens cost more than when they were planned, or nobody says what they cost."""
    for name, planned in run.token_prices.items():
        if not now.get(name, math.inf) <= planned:
            today = money(now[name]) if name in now else "not known"
            raise ScriptError(
                f"a million tokens of {name}: {money(planned)} when the run was planned, and {today} now: plan anew, "
                "with another --run-id",
                code=3,
            )


def unknown_ceiling(run: EvalRun) -> str:
    """Why a run has no ceiling, and what gives it one."""
    strange = [name for name, state in run.states.items() if state.active and state.timeout == NOT_KNOWN]
    if strange:
        return f"{strange[0]} runs, sent by another hand with a timeout that the Hub does not tell: wait for it"
    unpriced = [(name, state) for name, state in run.states.items() if state.unpriced]
    if unpriced:
        name, state = unpriced[0]
        return f"{name} ran on {state.flavor}, whose price the Hub does not say: send the rest as another --run-id"
    unbounded = [note for note in run.notes if note.startswith("no ceiling: ")]
    return unbounded[0].removeprefix("no ceiling: ") if unbounded else "the tokens of a provider have no known ceiling"


def paid_minutes(run: EvalRun) -> int:
    """The longest --timeout of all jobs that wait for which the run's --max-cost pays."""
    left = run.max_cost - (run.committed or 0.0) - sum(job.tokens_at_most or 0.0 for job in run.waiting)
    hourly = sum(job.price for job in run.waiting)
    return int(left / hourly * 60) if hourly > 0 else 0


def cheaper(run: EvalRun) -> str:
    """What would bring a run below its --max-cost: a shorter timeout where the jobs have the time, else less work."""
    minutes = paid_minutes(run)
    longest = max(job.hours for job in run.waiting)
    if minutes >= 60 * longest:
        return f"--timeout {minutes}m would do (the estimate is {duration_text(longest * 3600)})"
    return "fewer tasks or models, or --limit N"


def consent(run: EvalRun, args: argparse.Namespace) -> None:
    """Ask before money is spent; outside a terminal only --yes is consent."""
    paid = [job for job in run.waiting if job.price > 0]
    if not paid or args.yes:
        return
    what = f"{len(paid)} paid jobs, estimated {money(run.dollars)}, {ceiling_text(run)}"
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        if args.json:
            print(json.dumps({"schema_version": RUN_SCHEMA, "run_id": run.run_id, "reason": f"{what}: add --yes"}))
        raise ScriptError(f"{what}: add --yes to send them", code=3)
    print(f"{what}. Send them? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise ScriptError("nothing was sent", code=3)


def finished_run(args: argparse.Namespace, run: EvalRun) -> int:
    """Say how a run ended: 0 all succeeded, 1 some did not."""
    print_run(run, args.json)
    show_failures(run)
    succeeded = all(state.succeeded for state in run.states.values())
    if any(state.succeeded or state.failed for state in run.states.values()):
        note(f"next: {this_script()} collect {run.run_id}")
    return 0 if succeeded else 1


def verb_client(args: argparse.Namespace, run: EvalRun) -> JobsClient:
    """The Hub, in the namespace in which the run's jobs are."""
    return JobsClient(job_token(), run.namespace)


def status(args: argparse.Namespace) -> int:
    """Show a run; in a terminal until no job runs any more, or Ctrl-C."""
    run = load_run(args)
    client = verb_client(args, run)
    if sys.stdout.isatty() and not args.json:
        with contextlib.suppress(KeyboardInterrupt):
            run = follow(args, client, run)
    else:
        run = refreshed(client, run)
        save_run(args, run)
    print_run(run, args.json)
    show_failures(run)
    return 0


def wait(args: argparse.Namespace) -> int:
    """Follow a run until no job runs any more; what was not sent yet is not sent."""
    run = load_run(args)
    return finished_run(args, follow(args, verb_client(args, run), run))


def chosen_jobs(run: EvalRun, names: Sequence[str] | None) -> list[EvalJob]:
    """The jobs that --job names, or all; ScriptError for an unknown name."""
    unknown = set(names or ()) - {job.name for job in run.jobs}
    if unknown:
        raise ScriptError(f"--job {min(unknown)}: no such job in {run.run_id}; see {this_script()} status {run.run_id}")
    return [job for job in run.jobs if not names or job.name in names]


def logs(args: argparse.Namespace) -> int:
    """Print the end of the jobs' logs, or follow the log of one job."""
    run = load_run(args)
    client = verb_client(args, run)
    run = refreshed(client, run)
    jobs = [job for job in chosen_jobs(run, args.job) if run.states[job.name].job_id]
    if not jobs:
        raise ScriptError(f"{run.run_id}: none of these jobs was sent yet")
    if args.follow:
        return follow_log(client, run, jobs)
    found = {job.name: client.read_log(run.states[job.name].job_id, args.tail) for job in jobs}
    if args.json:
        print(json.dumps({"schema_version": RUN_SCHEMA, "run_id": run.run_id, "logs": found}, indent=1))
        return 0
    for name, lines in found.items():
        print("\n".join([*([f"===== {name}"] if len(found) > 1 else []), *lines]))
    return 0


def follow_log(client: JobsClient, run: EvalRun, jobs: Sequence[EvalJob]) -> int:
    """Print a job's log as it grows, until the job ends."""
    if len(jobs) != 1:
        raise ScriptError("--follow follows one job: name it with --job NAME")
    job_id = run.states[jobs[0].name].job_id
    with job_errors(f"reading the log of {jobs[0].name}", client.token):
        for line in client.api.fetch_job_logs(job_id=job_id, namespace=client.namespace, follow=True):
            print(client.clean(line), flush=True)
    return 0


def cancel(args: argparse.Namespace) -> int:
    """Cancel the jobs of a run that wait or run."""
    run = load_run(args)
    client = verb_client(args, run)
    run = refreshed(client, run)
    active = [job for job in chosen_jobs(run, args.job) if run.states[job.name].active]
    for job in active:
        with job_errors(f"canceling {job.name}", client.token):
            client.patiently(client.api.cancel_job, job_id=run.states[job.name].job_id, namespace=client.namespace)
        note(f"canceled {job.name}")
    if not active:
        note("nothing to cancel: no job waits or runs")
    run = refreshed(client, run)
    save_run(args, run)
    print_run(run, args.json)
    return 0


def collect_results(args: argparse.Namespace) -> int:
    """Bring the records of a run home, checked; exit code 1: some are missing or unsound."""
    run = load_run(args)
    client = verb_client(args, run)
    run = refreshed(client, run)
    fetched, output, aliases = fetch_folder(client, run), Path(args.output_dir), task_aliases()
    key = run_key(run.run_id) if run.seals_results and not args.adopt else ""
    if not key:
        note(f"whether its jobs wrote what is in {run.results_repo} is not looked at: it was adopted")
    found = {job.name: collect_job(job, fetched, output, aliases, key) for job in run.jobs}
    states = {
        name: replace(state, missing=found[name].missing, measured=state.attempt > 0 and not found[name].missing)
        for name, state in run.states.items()
    }
    run = replace(run, states=states)
    save_run(args, run)
    report_collected(run, found, output, args.json)
    return 1 if any(part.missing or part.problems for part in found.values()) else 0


def report_collected(run: EvalRun, found: dict[str, Collected], output: Path, as_json: bool) -> None:
    """Say what came home, and what did not."""
    if as_json:
        jobs = [{"job": name, "stage": run.states[name].stage, **asdict(part)} for name, part in found.items()]
        print(json.dumps({"schema_version": RUN_SCHEMA, "run_id": run.run_id, "jobs": jobs}, indent=1))
    else:
        rows = [["job", "stage", "records", "missing"]]
        for name, part in found.items():
            rows.append([name, run.states[name].stage, str(len(part.records)), str(len(part.missing))])
        print(render_table(rows))
        print(f"\n{sum(len(part.records) for part in found.values())} records in {output / 'data'}")
    for name, part in found.items():
        left_out = [f"{text}: left out, not sound; a later record of it is" for text in part.replaced]
        for text in [*(f"missing: {text}" for text in part.missing), *part.problems, *left_out]:
            note(printable(f"{name}: {text}"))
    if any(part.missing for part in found.values()):
        note(f"what is missing is evaluated again by: {this_script()} --run-id {run.run_id}")


def add_submission(parser: argparse.ArgumentParser) -> None:
    """The flags of a submission that do not depend on what is sent."""
    add = parser.add_argument
    add(
        "--limit",
        "--max-samples",
        type=int,
        metavar="N",
        help="only N items of each task, of a family of each subtask (a smoke test, no result)",
    )
    add("--timeout", metavar="T", help=f"after which the Hub ends a job: 90m, 1d; default: {DEFAULT_TIMEOUT}")
    add("--namespace", metavar="ORG", help="account or organization that runs and pays; default: the token's owner")
    add("--results-repo", metavar="REPO", help="data set OWNER/NAME for the records, made private when it is new")
    add(
        "--max-cost",
        type=float,
        metavar="USD",
        help="send nothing when all jobs, each until its timeout, could cost more; kept",
    )
    add("--max-parallel", type=int, metavar="N", help="at most N jobs at a time; default: all at once")
    add("--split", choices=JOB_SPLITS, help="one job per model, task or both; default: checkpoints of a model together")
    add("--run-id", metavar="ID", help="name of the run; with a known one, only what is missing or failed is sent")
    add("--canceled", action="store_true", help="with --run-id: send canceled jobs again as well")
    add("--image", metavar="IMAGE", help="a Docker image with uv in it; default: the client's own")
    add("--yes", action="store_true", help="do not ask before paid jobs are sent")
    add("--wait", action="store_true", help="stay until all jobs have ended")
    add("--dry-run", action="store_true", help="show the jobs, what they cost and the commands; send nothing")
    add_shared(parser)


def add_shared(parser: argparse.ArgumentParser) -> None:
    """The flags that every verb has."""
    parser.add_argument("--runs-dir", default="runs", metavar="DIR", help="where run.json is kept; default: runs")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of a table")
    parser.add_argument("--adopt", action="store_true", help="go on with a run.json of another machine, once looked at")


def add_verbs(parser: argparse.ArgumentParser) -> None:
    """status, logs, wait, cancel and collect."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", title="verbs, each with the id of a run")
    told = {"status": status, "logs": logs, "wait": wait, "cancel": cancel, "collect": collect_results}
    for name, command in told.items():
        text = (command.__doc__ or "").split("\n")[0]
        verb = verbs.add_parser(name, help=text, description=text)
        verb.add_argument("run_id", metavar="RUN_ID")
        add_shared(verb)
        verb.set_defaults(run=command)
        if name in ("logs", "cancel"):
            verb.add_argument("--job", nargs="+", metavar="NAME", help="only these jobs")
        if name == "logs":
            verb.add_argument("--tail", type=int, default=SHOWN_LINES, metavar="N", help="lines of each (default: 30)")
            verb.add_argument("--follow", action="store_true", help="go on until the job ends")
        if name == "collect":
            verb.add_argument("--output-dir", default="results", metavar="DIR", help="default: results")


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


# --- parts/jobs/own_questions.py --------------------------------------------------------------------------------------

SENT = ("score", "template", "shots")  # as they are given
MOST_WORD = 200  # bytes of an argument, which the client looks for among the files


def add_question_options(parser: argparse.ArgumentParser) -> None:
    """The options of --questions, as the evaluation scripts have them."""
    add = parser.add_argument
    add("--questions", nargs="+", metavar="FILE", help="your own: .jsonl or .csv with questions; sent with the job")
    add("--map", nargs="+", action="extend", metavar="ROLE=FIELD", help="questions: fields' names: answer=gold")
    add("--score", metavar="HOW", help="questions: as the evaluation scripts have it; default: by what the answers are")
    add("--template", metavar="TEXT", help="questions: with {question} and {choices} in it, \\n for a new line")
    add("--shots-from", metavar="FILE", help="questions: examples before each; sent with the job")
    add("--shots", type=int, metavar="N", help="questions: how many of --shots-from")


def own_sets(args: argparse.Namespace) -> dict[str, str]:
    """The sets of --questions by name, which is the task's: name -> file."""
    return {slug(Path(file).stem): file for file in args.questions or ()}


def with_questions(args: argparse.Namespace) -> None:
    """Check the files of --questions, and count their sets among the tasks.

    ScriptError: 1 for a line that cannot be right, 2 for what cannot be sent.
    """
    given = [name for name in ("map", *SENT, "shots_from") if getattr(args, name) is not None]
    if not args.questions:
        if given:
            raise ScriptError(f"--{given[0].replace('_', '-')}: it is about --questions FILE")
        return
    files = [*args.questions, *([args.shots_from] if args.shots_from else [])]
    mapped = dict(pair.split("=", 1) for pair in args.map or () if "=" in pair)
    for file in files:
        path = Path(file)
        if path.suffix.lower() not in (".jsonl", ".csv", ".tsv", ".json"):
            raise ScriptError(f"{file}: a job is sent .jsonl or .csv, whose lines are checked here first")
        found, problems = read_questions(path, mapped)
        problems.check()
        ITEMS[task_key(slug(path.stem))] = len(found)
        if slug(path.stem) != slug(path.stem.replace(" ", "_")):
            raise ScriptError(f"{file}: its name would be another one in the job: letters, digits, dashes, underscores")
    names = [*(task_key(task) for task in args.task or ()), *own_sets(args)]
    if len(own_sets(args)) < len(args.questions) or len(set(names)) < len(names):
        raise ScriptError("--questions: two sets or tasks of one name: rename the file")
    if len({Path(file).name for file in files}) < len(files):
        raise ScriptError("--shots-from: its file has the name of one of --questions: rename it")
    long = next((name for name in ("score", "template") if len(str(getattr(args, name)).encode()) > MOST_WORD), None)
    if long:
        raise ScriptError(f"--{long}: longer than {MOST_WORD} bytes: put it into the questions")
    refuse_tokens([RepoFile(Path(file).name, Path(file).resolve()) for file in files], None)
    args.task = [*(args.task or ()), *own_sets(args)]


def question_words(args: argparse.Namespace, tasks: Sequence[str], flag: str) -> list[str]:
    """The words that name a job's tasks: those of the harness behind `flag`, and one's own questions."""
    own = own_sets(args)
    others, files = [task for task in tasks if task not in own], [own[task] for task in tasks if task in own]
    words = [flag, *others] if others else []
    if not files:
        return words
    words += ["--questions", *files, *(["--map", *args.map] if args.map else [])]
    words += ["--shots-from", args.shots_from] if args.shots_from else []
    # In one word: a text that is a file's name is not taken for the file.
    return words + [f"--{name}={value}" for name in SENT if (value := getattr(args, name)) is not None]


def question_files(args: argparse.Namespace) -> dict[str, str]:
    """The files that travel with the jobs, with their SHA-256."""
    files = [*(args.questions or ()), *([args.shots_from] if args.shots_from else [])]
    return {file: file_sha256(Path(file)) for file in files}


def shown_questions(args: argparse.Namespace) -> tuple[str, ...]:
    """What is sent along, for people."""
    return tuple(
        f"sent along, to the private bucket of the account's jobs: {single_line(file)} "
        f"({shown_size(Path(file).stat().st_size)}, sha256 {digest})"
        for file, digest in question_files(args).items()
    )


# --- parts/jobs/providers.py ------------------------------------------------------------------------------------------

LONG_PROMPT = 4000  # tokens of the longest prompt that a ceiling counts with
Offers = Mapping[str, tuple[float, float] | None]  # provider -> dollars for a million tokens, in, out
ProviderPrices = Mapping[str, Offers]  # of each model
ROUTER_SECONDS = 10.0
ANSWER_SECONDS = 10  # of a provider for one item
SETUP_SECONDS = 240  # packages are installed
EXPECTED = ("--provider", "--temperature", "--max-connections", "--max-tokens")  # to the script, when given


def provider_prices() -> ProviderPrices:
    """What the router says of prices: model -> provider -> dollars for a million prompt and answer tokens."""
    from huggingface_hub.utils import get_session

    try:
        rows = get_session().get(f"{ROUTER}/models", timeout=ROUTER_SECONDS).json()["data"]
        return {str(row["id"]): offered_prices(row) for row in rows}
    except Exception:  # a convenience: without it the price of the tokens is unknown, and the plan says so
        return {}


def offered_prices(row: Mapping[str, Any]) -> Offers:
    """The providers of a model, each with its price; None where it names none, or two."""
    found: dict[str, tuple[float, float] | None] = {}
    for entry in row.get("providers") or []:
        pricing, name = entry.get("pricing") or {}, str(entry.get("provider"))
        numbers = [pricing.get("input"), pricing.get("output")]
        priced = all(number == 0 or is_price(number) for number in numbers)
        price = (float(numbers[0]), float(numbers[1])) if priced else None
        found[name] = price if found.get(name, price) == price else None
    return found


def token_price(offers: Offers, provider: str | None) -> tuple[float, float] | None:
    """The price of the provider asked for; when the router chooses, the highest of each side; None when unknown.

    It is unknown, too, where one of those that the router may choose names none.
    """
    if provider in offers or provider not in (None, "fastest", "cheapest"):
        return offers.get(provider or "")
    prices = [price for price in offers.values() if price]
    if not prices or len(prices) < len(offers):
        return None
    return max(price[0] for price in prices), max(price[1] for price in prices)


def known_prices(models: Iterable[str], provider: str | None, prices: ProviderPrices) -> dict[str, float]:
    """The prices of the models that have one: "owner/name, prompts" and "owner/name, answers"."""
    found = {model: token_price(prices.get(model, {}), provider) for model in models}
    sides = ("prompts", "answers")
    return {f"{m}, {side}": usd for m, price in found.items() if price for side, usd in zip(sides, price, strict=True)}


def token_prices_now(run: EvalRun) -> dict[str, float]:
    """What the tokens of a run's models cost now, as its plan keeps it."""
    words = run.jobs[0].arguments
    provider = words[words.index("--provider") + 1] if "--provider" in words else None
    return known_prices({model for job in run.jobs for model in job.models}, provider, provider_prices())


def check_provider_models(args: argparse.Namespace, client: JobsClient | None) -> None:
    """ScriptError for a model that is no Hub id, or is not on the Hub."""
    from huggingface_hub.errors import RepositoryNotFoundError

    for model in args.model:
        if not HUB_MODEL.fullmatch(model) or "@" in model or model.startswith((".", "-")):
            raise ScriptError(f"{model}: a Hub id (owner/name) of a model that a provider serves is expected")
        if client:
            with job_errors(f"reading {model}", client.token):
                try:
                    client.patiently(client.api.model_info, model, expand=["sha"])
                except RepositoryNotFoundError as error:
                    raise ScriptError(f"{model}: no model on the Hub that the token has access to") from error


def provider_arguments(args: argparse.Namespace, models: Sequence[str], tasks: Sequence[str]) -> list[str]:
    """The arguments of inspect_eval_uv.py, but for its place in the data set."""
    words = ["--model", *models, *question_words(args, tasks, "--task")]
    words += ["--limit", str(args.limit)] if args.limit is not None else []
    for flag in EXPECTED:
        value = getattr(args, flag.removeprefix("--").replace("-", "_"))
        words += [flag, str(value)] if value is not None else []
    return words


def tokens_cost(args: argparse.Namespace, models: Sequence[str], tasks: Sequence[str], prices: ProviderPrices) -> float:
    """Dollars for the tokens of a job; models without a known price count nothing, which the plan says."""
    each = (task_tokens(task, args.limit, "inspect") for task in tasks)
    prompts, answers = (sum(part) for part in zip(*each, strict=True))
    found = [token_price(prices.get(model, {}), args.provider) for model in models]
    return sum(price[0] * prompts + price[1] * answers for price in found if price) / 1e6


def tokens_ceiling(
    args: argparse.Namespace, models: Sequence[str], tasks: Sequence[str], prices: ProviderPrices
) -> float | None:
    """Dollars when every answer is --max-tokens long and every prompt LONG_PROMPT; None where nothing bounds them."""
    found = [token_price(prices.get(model, {}), args.provider) for model in models]
    counts = [task_items(task, args.limit, "inspect") for task in tasks]
    if args.max_tokens is None or None in found or not all(known or args.limit for _, known in counts):
        return None
    items = sum(count for count, _ in counts)
    return items * sum(price[0] * LONG_PROMPT + price[1] * args.max_tokens for price in found if price) / 1e6


def plan_provider_run(args: argparse.Namespace, client: JobsClient | None) -> EvalRun:
    """Everything that a submission decides: jobs, hardware, cost."""
    check_provider_models(args, client)
    script_path(PROVIDER_SCRIPT)
    catalog = client.catalog() if client else BUILT_IN
    flavor, prices = catalog.find(args.hardware), provider_prices() if client else {}
    run_id = args.run_id or new_run_id()
    namespace = client.namespace if client else args.namespace or "OWNER"
    results_repo = args.results_repo or f"{namespace}/eval-results"
    jobs, files = [], question_files(args)
    for models, tasks in matrix(args.model, args.task, args.split or ""):
        words = provider_arguments(args, models, tasks)
        name = job_name(models, tasks, [*words, *files.values()])
        folder = f"runs/{run_id}/{name}"
        words += ["--results-repo", f"{results_repo}/{folder}"]
        items = sum(task_items(task, args.limit, "inspect")[0] for task in tasks) * len(models)
        hours = (SETUP_SECONDS + items * ANSWER_SECONDS / (args.max_connections or DEFAULT_CONNECTIONS)) / 3600
        tokens, most = tokens_cost(args, models, tasks, prices), tokens_ceiling(args, models, tasks, prices)
        place = (folder, flavor.name, flavor.price, round(hours, 4), round(tokens, 4), most)
        jobs.append(EvalJob(name, models, tasks, tuple(words), *place))
    states = {job.name: JobState() for job in jobs}
    notes = provider_notes(args, catalog, flavor, prices)
    return EvalRun(
        run_id,
        PROVIDER_SCRIPT,
        namespace,
        results_repo,
        args.timeout or DEFAULT_TIMEOUT,
        args.image,
        locked_packages(PROVIDER_SCRIPT, ""),
        tuple(jobs),
        states,
        notes,
        files=files,
        token_prices=known_prices(args.model, args.provider, prices),
        prices_known=catalog.known,
        seals_results=True,
    )


def provider_notes(
    args: argparse.Namespace, catalog: Catalog, flavor: Flavor, prices: ProviderPrices
) -> tuple[str, ...]:
    """What the estimate rests on, what bounds it, and where the prices are from."""
    silent = [model for model in args.model if token_price(prices.get(model, {}), args.provider) is None]
    connections = args.max_connections or DEFAULT_CONNECTIONS
    notes = [
        f"assumed: {assumed_tokens(args.task, args.limit, 'inspect')}, {ANSWER_SECONDS} s for an answer, "
        f"{connections} requests at a time; {SETUP_SECONDS // 60} minutes to start a job",
        f"flavors and prices: {catalog.source}",
    ]
    if silent:
        notes.append(f"warning: the price of tokens is not known for {names_text(silent)}: it comes on top")
    if unbounded := no_ceiling(args, silent):
        notes.append(f"no ceiling: {unbounded}")
    else:
        notes.append(
            f"at most: answers of --max-tokens {args.max_tokens}, one request of {LONG_PROMPT} prompt tokens for an "
            "item; longer prompts, and tasks that ask several times, come on top"
        )
    notes += task_warnings([task for task in args.task if task not in own_sets(args)], "inspect", PROVIDER_SCRIPT)
    notes += shown_questions(args)
    if flavor.gpus:
        notes.append(f"warning: {flavor.name} has a GPU that is not used: the providers have their own")
    return tuple(notes)


def no_ceiling(args: argparse.Namespace, silent: Sequence[str]) -> str:
    """Why the tokens can cost any amount, and what bounds them; nothing where something does."""
    if silent:
        return f"the price of tokens is not known for {names_text(silent)}: give a --provider that names one"
    unknown = [task for task in args.task if not args.limit and not task_items(task, None, "inspect")[1]]
    if unknown:
        return f"how many items {names_text(unknown)} has is not known: give --limit N"
    if args.max_tokens is None:
        return "the answers may be of any length: give --max-tokens N (reasoning models need thousands)"
    return ""


# [cog.end]

if __name__ == "__main__":
    raise SystemExit(main())
