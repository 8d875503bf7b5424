#!/usr/bin/env -S uv run --script
# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "backports.zstd>=1,<2; python_version < '3.14'",
#     "httpx2>=2,<3",
#     "huggingface_hub>=2.2,<3",
#     "numpy>=2,<3",
#     "opencc>=1.1.9,<2",
#     "orjson>=3.10,<4",
#     "pyarrow>=21,<27",
#     "python-dotenv>=1.1,<2",
#     "rich>=14,<16",
#     "scipy>=1.15,<2",
# ]
# ///
"""Say whether benchmark items are in a training text, and what the model scores on the items that are not.

--training: files (.txt .md .jsonl .json .parquet .arrow, also .gz .zst .bz2 .xz), folders, or data sets of the Hub.
--items: JSONL or parquet files, a folder of benchmark data, or results/ with samples beside the records. With --results
the scores of those items: on clean items, on suspect items, and the difference with its 95 % interval.

  uv run scripts/check_contamination.py --training corpus/ --items gsm8k_test.jsonl
  uv run scripts/check_contamination.py --training corpus.jsonl.gz --text-field content --items results --rule 13-gram
  uv run scripts/check_contamination.py --training owner/corpus --items results --results results --model-id owner/model
  uv run scripts/check_contamination.py --training corpus/ --items results --results results --report CONTAMINATION.md
  uv run scripts/check_contamination.py --training examples/contamination/training.txt --items examples/tiny_run/data

Rules: "longest" (the recommended one), the longest run of equal words is at least 8 words and half of the item;
"13-gram", 13 equal words in a row (GPT-3); "8-gram", 70 % of the item's 8-word sequences occur (PaLM, Llama 2);
"50-char", 50 equal letters and digits in a row (GPT-4). Case, punctuation, accents and line breaks do not matter.
Boilerplate (text that many items share, known instructions) does not count, and a formula counts as one word.

Paraphrases and translations are not looked for.

Exit codes: 0 no item was found in the text; 1 some were; 2 it could not be done (usage, input, network; stdout is
empty); 3 undecided: nothing was found, but most items are too short to judge or a part of the text was unreadable, or
a choice is needed (the message names the candidates).
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path


FEWEST_JUDGED = 10  # suspect and clean items that a difference of scores needs


def chosen_rules(args: argparse.Namespace) -> tuple[Rule, ...]:
    """The rules with what the command line changes of them."""
    names = list(dict.fromkeys(args.rule or ["longest"]))
    changes = {"length": args.min_words, "share": args.min_share}
    given = {name: value for name, value in changes.items() if value is not None}
    if given and "longest" not in names:
        raise ScriptError("--min-words and --min-share belong to --rule longest; the other rules are fixed")
    if args.min_words is not None and args.min_words < WORD_WINDOW:
        raise ScriptError(f"--min-words is at least {WORD_WINDOW}: fewer words occur by chance")
    if args.min_share is not None and not 0 <= args.min_share <= 1:
        raise ScriptError("--min-share is a share between 0 and 1")
    return tuple(replace(MATCH_RULES[name], **given) if name == "longest" else MATCH_RULES[name] for name in names)


def make_indexes(
    items: Sequence[BenchmarkItem], rules: Sequence[Rule], filter_: Filter
) -> tuple[list[Index], list[bool]]:
    """(the word index, and the one of characters when a rule asks for it; which items are variants of a template)"""
    words = read_words(items, filter_)
    found = [word_index(words, INFORMATIVE)]
    found += [character_index(words, rule.length) for rule in rules if rule.unit == "characters"]
    return found, words.templates.tolist()


def bare(index: Index) -> Index:
    """An index without what only the scan needs."""
    import numpy as np

    none = np.zeros(0, np.uint8)
    units = np.zeros(0, index.units.dtype)
    return replace(
        index, units=units, hashes=none, offsets=none, positions=none, bits=none, text=none, text_bounds=none
    )


def check_items(
    items: Sequence[BenchmarkItem], sources: Sources, rules: Sequence[Rule], filter_: Filter, settings: ScanSettings
) -> tuple[list[Judged], Found]:
    """Look for the items in the training text."""
    indexes, templates = make_indexes(items, rules, filter_)
    slim = [bare(index) for index in indexes]
    scanned = [index for index in indexes if any(rule.unit == index.unit for rule in rules)]
    del indexes
    found = scan_all(sources.parts, scanned, settings)
    beside = all(part.kind != "text" or BESIDE.search(part.name) for part in sources.parts)
    if not found.words or (beside and 0 < found.rows == found.without_text):
        raise ScriptError(f"--training {listing(sources.names)}: no text in it")
    return judge_items(items, rules, slim[0], slim[1] if len(slim) > 1 else None, found, templates), found


def make_check(args: argparse.Namespace) -> Check:
    """Everything that the command line asks for."""
    rules = chosen_rules(args)
    if args.model_id and not args.results:
        raise ScriptError("--model-id chooses among the records of --results; give that, too")
    settings = ScanSettings(workers=args.workers, skip_broken=args.skip_broken, gap=args.gap)
    filter_ = Filter(not args.no_filter, args.boilerplate_items)
    vocabulary = vocabulary_of(asked_mapping(args))
    measured = read_measured_items(args.results, args.model_id, vocabulary) if args.results else []
    items, duplicates, files = read_benchmark(args.items, args.item_fields or ())
    sources = find_sources(args.training, args.text_field or (), settings, files)
    judged, found = check_items(items, sources, rules, filter_, settings)
    scores = make_scores(judged, measured, rules, args.min_items) if args.results else []
    told = own_entries(vocabulary.entries, (vocabulary.task_key(one.task, "")[0] for one in measured))
    counts = (tuple(scores), args.min_items, tuple(told))
    return Check(rules, filter_, tuple(judged), duplicates, tuple(files), sources, found, *counts)


def run(args: argparse.Namespace) -> int:
    """Read, compare, write what was asked for, print; the exit code is the verdict."""
    check = make_check(args)
    document = json.dumps(check_json(check), indent=2, ensure_ascii=False, allow_nan=False)
    command = repeat_command(args)
    if args.report:
        report = render_contamination(check, command, args.show_text)
        write_output(Path(args.report), report.encode("utf-8", "replace").decode(), args.force)
        note(f"report in {args.report}")
    if args.clean_items:
        if check.doubts:
            raise ScriptError(f"--clean-items: nothing is known to be clean: {'; '.join(check.doubts)}", code=3)
        clean = json.dumps(clean_items(check, command), indent=1, ensure_ascii=False)
        write_output(args.clean_items, clean + "\n", args.force)
        note(f"clean items in {args.clean_items}: compare_results --only-items, or only_items in a policy")
    if args.output:
        write_output(args.output, document.encode("utf-8", "replace").decode() + "\n", args.force)
        note(f"JSON in {args.output}")
    print_data(document if args.json else "\n".join(check_text_lines(check)))
    return VERDICT_CODES[check.verdict]


def repeat_command(args: argparse.Namespace) -> str:
    """The command that gives the same answer again."""
    words = []
    for name, value in vars(args).items():
        if (
            value is not None
            and value is not False
            and name not in ("run", "workers", "json", "output", "report", "clean_items")
        ):
            values = [] if value is True else value if isinstance(value, list) else [value]
            words += [f"--{name.replace('_', '-')}", *map(argument_word, values)]
    return single_line("uv run scripts/check_contamination.py " + shlex.join(words))


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = CommandLine(description=__doc__)
    add = parser.add_argument
    add("--training", required=True, nargs="+", metavar="PATH", help="files, folders, or data sets of the Hub")
    add("--items", required=True, nargs="+", metavar="PATH", help="benchmark items, or results/ with their samples")
    add("--text-field", nargs="+", metavar="NAME", help="fields of a training row that are text (messages, too)")
    add("--item-fields", nargs="+", metavar="NAME", help="fields of an item's row that are its text and answer")
    add("--rule", nargs="+", choices=MATCH_RULES, help="when an item is suspect (default: longest)")
    add("--min-words", type=int, metavar="N", help="of --rule longest: equal words in a row (default: 8)")
    add("--min-share", type=float, metavar="X", help="of --rule longest: share of the item's words (default: 0.5)")
    add(
        "--boilerplate-items",
        type=positive,
        metavar="N",
        help="text that more than N items of a task share does not count (default: 10 or 1 %% of them)",
    )
    add(
        "--gap",
        type=int,
        choices=range(7),
        default=1,
        metavar="N",
        help="of --rule longest: words in twelve that may "
        "differ in a passage, 0 to 6; 0: one run (default: %(default)s)",
    )
    add("--no-filter", action="store_true", help="boilerplate and formulas count like other text")
    add(
        "--results", nargs="+", metavar="DIR", help="folders with evaluation records: scores on clean and suspect items"
    )
    add_mapping_option(add)
    add("--model-id", metavar="ID", help="with --results: the scores of this model only")
    add(
        "--min-items",
        type=positive,
        default=FEWEST_JUDGED,
        metavar="N",
        help="with --results: suspect and clean items that a difference needs (default: %(default)s)",
    )
    add(
        "--skip-broken", action="store_true", help="go on when a training file is damaged; then nothing found is exit 3"
    )
    add(
        "--workers",
        type=positive,
        default=os.cpu_count() or 1,
        metavar="N",
        help="processes (default: one for each core)",
    )
    add("--report", metavar="FILE.md", help="write a Markdown report for a model card, without the text of items")
    add("--show-text", action="store_true", help="with --report: the matched text of the items, too")
    add("--clean-items", type=Path, metavar="FILE", help="write the ids of the clean items, for a gate on them alone")
    add("--output", type=Path, metavar="FILE", help="write the JSON document there, too")
    add("--force", action="store_true", help=FORCE_HELP)
    add("--json", action="store_true", help="one JSON document to stdout")
    parser.set_defaults(run=run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code is the answer."""
    return run_main(build_parser(), argv)


# Written in parts/ and put here by `uv run parts/assemble.py`: change it there.
# [cog[
# import assemble
# assemble.include(
#     "command_line", "contamination.items", "contamination.judging", "contamination.reading",
#     "contamination.report", "contamination.training", "contamination.vocabulary", "frame", "outputs",
#     "own_vocabulary", "vocabulary"
# )
# ]cog]

import base64
import bisect
import bz2
import codecs
import collections
import contextlib
import csv
import difflib
import errno
import filecmp
import fnmatch
import functools
import gc
import glob
import gzip
import hashlib
import html
import importlib
import io
import itertools
import lzma
import math
import multiprocessing
import re
import shutil
import signal
import stat
import struct
import sys
import tempfile
import textwrap
import threading
import time
import traceback
import unicodedata
import zipfile
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from functools import partial
from itertools import count
from statistics import NormalDist
from types import MappingProxyType
from typing import IO, TYPE_CHECKING, Any, BinaryIO, NamedTuple, NoReturn, TextIO, TypeVar
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


# --- parts/contamination/markup.py ------------------------------------------------------------------------------------

# <p class="x">, </b>, <br/>, <!-- ... -->, <?xml ...?>, <!DOCTYPE html>
TAG = (
    rb"</?[A-Za-z][A-Za-z0-9:-]{0,40}(?:\s+[\w:.-]+\s*=\s*(?:\"[^\"<]{0,2000}\"|'[^'<]{0,2000}'|[^\s\"'<>=]{1,500})){0,40}"
    rb"\s*/?>|<!--.{0,2000}?-->|<[!?][A-Za-z][^<>]{0,500}>"
)
LETTER = rb"[A-Za-z0-9\x80-\xff]"
INLINE_TAGS = rb"a|abbr|b|bdi|bdo|big|code|del|em|font|i|ins|mark|s|small|span|strong|sub|sup|tt|u|wbr"
# Tags that part no word where letters stand on both sides.
IN_WORD = rb"(?<=%b)(?:</?(?:%b)(?:\s[^<>]{0,500})?/?>)+(?=%b)" % (LETTER, INLINE_TAGS, LETTER)
LINK_TARGET = rb"(?<=\])\([^()\s]{1,2000}(?:\s+\"[^\"\n]{0,300}\")?\)"  # of [text](target "title")
REFERENCE = rb"&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});"
UNICODE_ESCAPE = rb"\\u[0-9A-Fa-f]{4}"
# Of the commands that begin like an escape (\neq, \theta, \rho), all that are common; other letters are an escape's.
ESCAPE = (
    rb"\\(?:n(?!(?:e|eq|abla|ot|otin|u|ewline|ewcommand|oindent|mid|onumber|ormalsize|leq|geq|atural|subseteq)(?![a-z]))"
    rb"|t(?!(?:heta|au|ext[a-z]*|imes|o|op|an|anh|frac|ilde|riangle|herefore|itle|able|abular|binom)(?![a-z]))"
    rb"|r(?!(?:ho|ight[a-z]*|angle|ceil|floor|ef|enewcommand|m|oot)(?![a-z])))"
)
FORMATTING = (
    rb"\\(?:text(?:bf|it|tt|rm|sf|sc|up|normal)?|emph|underline|textquotesingle|item|par|noindent|bigskip|medskip|"
    rb"smallskip|newline|begin\{[a-z]{1,20}\*?\}|end\{[a-z]{1,20}\*?\}|section|subsection|paragraph)(?![A-Za-z])"
)
HYPHEN = rb"(?<=[A-Za-z\x80-\xff])-[ \t]{0,8}\r?\n[ \t>]{0,80}(?=[a-z\xc3])"
SOFT_HYPHEN = rb"(?<=[A-Za-z])\\-(?=[A-Za-z])"  # of TeX
INLINE = re.compile(IN_WORD, re.IGNORECASE)
ANGLED = re.compile(TAG, re.DOTALL)
LINKS = re.compile(LINK_TARGET)
REFERENCES = re.compile(REFERENCE)
BACKSLASHED = re.compile(rb"|".join((UNICODE_ESCAPE, ESCAPE, FORMATTING, SOFT_HYPHEN)))
HYPHENS = re.compile(HYPHEN)
TWO, THREE = "\u00ad".encode(), "\u200b".encode()  # no width, dropped by folding


def blank(match: re.Match[bytes]) -> bytes:
    """Spaces for what was matched; line ends stay."""
    text = match[0]
    return b" " * len(text) if b"\n" not in text else re.sub(rb"[^\n]", b" ", text)


def padded(text: bytes, size: int) -> bytes:
    """A text made `size` bytes long by characters without width; spaces where that cannot be."""
    rest = size - len(text)
    if rest < 0 or rest == 1:
        return b" " * size
    return text + (THREE + TWO * ((rest - 3) // 2) if rest % 2 else TWO * (rest // 2))


def unreferenced(match: re.Match[bytes]) -> bytes:
    """The character that a reference stands for."""
    text = html.unescape(match[0].decode())
    if text.startswith("&") and len(text) > 1:
        return match[0]  # no such name
    return padded(text.encode("utf-8", "replace"), len(match[0])) if in_words(text) else b" " * len(match[0])


def in_words(text: str) -> bool:
    """Whether a character is one of a word: a letter, a digit, an accent, or one without width."""
    return text.isalnum() or all(unicodedata.category(letter) in ("Cf", "Mn") for letter in text)


def unescaped(match: re.Match[bytes]) -> bytes:
    """The character of an escape, or nothing for a command."""
    text = match[0]
    if text.startswith(b"\\u"):
        code = int(text[2:], 16)
        character = chr(code) if not 0xD800 <= code <= 0xDFFF else " "
        return padded(character.encode(), len(text)) if in_words(character) else b" " * len(text)
    return padded(b"", len(text)) if text == b"\\-" else b" " * len(text)


def join_word(match: re.Match[bytes]) -> bytes:
    """Nothing, for a hyphen and the end of a line, or tags, within a word."""
    return padded(b"", len(match[0]))


def without_markup(raw: bytes) -> bytes:
    """The text as a reader sees it, of the same length."""
    if b"<" in raw:
        raw = INLINE.sub(join_word, raw)
        raw = ANGLED.sub(blank, raw)
    if b"](" in raw:
        raw = LINKS.sub(blank, raw)
    if b"&" in raw:
        raw = REFERENCES.sub(unreferenced, raw)
    if b"\\" in raw:
        raw = BACKSLASHED.sub(unescaped, raw)
    return HYPHENS.sub(join_word, raw) if b"-\n" in raw or b"-\r" in raw or b"- \n" in raw else raw


# --- parts/contamination/vocabulary.py --------------------------------------------------------------------------------

CONTAMINATION_SCHEMA = "1"
WORD_WINDOW = 8  # words that are looked up at once; every word of an item begins a window
BLOCK = 2**18  # bytes of text scanned at once
PART = 2**26  # bytes of a file that one process reads at a time
SEPARATOR = b"\x01"  # between two documents; no word of an item holds it
BYTE_BASE = 0x9E3779B97F4A7C15  # odd, so that both have an inverse modulo 2^64
MOST_NULS = 8  # in a block of text, which has none: more of them are letters of UTF-16
MOST_SKIPPED = 0.01  # share of unreadable rows above which "nothing found" is no answer
MOST_UNJUDGED = 0.5  # share of items too short to judge above which "nothing found" is no answer
BOILERPLATE_ITEMS, BOILERPLATE_SHARE = 10, 0.01  # text of more items of a task than this is not an item's own
SUSPECT, CLEAN, TOO_SHORT = "suspect", "clean", "too short to judge"
CONTAMINATED, NOT_FOUND, UNDECIDED = "contamination found", "no contamination found", "undecided"
VERDICT_CODES = {NOT_FOUND: 0, CONTAMINATED: 1, UNDECIDED: 3}


@dataclass(frozen=True, slots=True)
class Rule:
    """When an item is suspect. length: in units (words, characters); share: of the item (0: any).

    measure: "run", the longest run of equal units; "passage", all runs of WORD_WINDOW words or more that stand in one
    stretch of text about as long as the item; "windows", the share of the item's windows that occur anywhere.
    """

    name: str
    unit: str
    measure: str
    length: int
    share: float
    source: str

    @property
    def condition(self) -> str:
        """The rule in words."""
        if self.measure == "windows":
            return f"at least {percent(self.share)} of the item's {self.length}-{self.unit[:-1]} sequences occur"
        of_item = f" and {percent(self.share)} of the item" if self.share else ""
        if self.measure == "passage":
            return f"at least {self.length} equal words{of_item} stand together, in runs of {WORD_WINDOW} or more"
        units = "letters and digits" if self.unit == "characters" else self.unit
        return f"at least {self.length} equal {units} in a row{of_item}"


MATCH_RULES = {
    rule.name: rule
    for rule in (
        Rule("longest", "words", "passage", 8, 0.5, "longest match of ConTAM, arXiv 2411.03923"),
        Rule("13-gram", "words", "run", 13, 0.0, "GPT-3, arXiv 2005.14165"),
        Rule("8-gram", "words", "windows", WORD_WINDOW, 0.7, "PaLM, arXiv 2204.02311; Llama 2, arXiv 2307.09288"),
        Rule("50-char", "characters", "run", 50, 0.0, "GPT-4, arXiv 2303.08774"),
    )
}


@dataclass(frozen=True, slots=True)
class BenchmarkItem:
    """A benchmark item. text: the question; context: what stands before it, such as a passage; digest: sample_hash."""

    task: str
    sample_id: str
    text: str
    digest: str | None = None
    answer: str = ""
    context: str = ""

    @property
    def sections(self) -> tuple[str, str, str]:
        """Context, question, answer."""
        return self.context, self.text, self.answer

    @property
    def whole(self) -> str:
        """All of it as one text."""
        return "\n".join(section for section in self.sections if section)

    @property
    def label(self) -> str:
        """For people."""
        return f"{self.task}: {self.sample_id}" if self.task else self.sample_id


@dataclass(frozen=True, slots=True)
class Filter:
    """What does not count as a match; `many` items of a task share boilerplate (None: more than 10 and than 1 %)."""

    on: bool = True
    many: int | None = None

    def limit(self, items: int) -> int:
        """The most items of a task (that has so many) that may share a text which is an item's own."""
        return max(BOILERPLATE_ITEMS, int(BOILERPLATE_SHARE * items)) if self.many is None else self.many


@dataclass(frozen=True, slots=True)
class Index:
    """The items of a benchmark as one sequence of units, and a table of their windows.

    window: units that are looked up at once, at every stride-th unit of an item. units: hashes of words (uint64), or
    bytes of letters and digits (uint8). bounds: of each item in units; questions, answers: where these begin in it.
    counted: running total of the units that count; a difference of two is the length of a span without boilerplate.
    hashes: of the windows, sorted, each once; positions[offsets[i]:offsets[i + 1]]: where hashes[i] begins; bits: two
    filters in front of the hashes. text, text_bounds: the words themselves, each followed by a space, and where they
    begin. informative: the windows that the n-gram rule counts. longest: the most units of an item. least: the fewest
    counted units of a match that is remembered.
    """

    window: int
    stride: int
    least: int
    longest: int
    units: np.ndarray
    bounds: np.ndarray
    questions: np.ndarray
    answers: np.ndarray
    counted: np.ndarray
    hashes: np.ndarray
    offsets: np.ndarray
    positions: np.ndarray
    bits: np.ndarray
    text: np.ndarray
    text_bounds: np.ndarray
    informative: np.ndarray

    @property
    def unit(self) -> str:
        """words or characters."""
        return "characters" if self.units.dtype.itemsize == 1 else "words"


@dataclass(frozen=True, slots=True)
class ScanSettings:
    """How the text is scanned. gap: words in twelve that may differ within a passage; else no answer depends on it."""

    block: int = BLOCK
    part: int = PART
    workers: int = 1
    skip_broken: bool = False
    gap: int = 1


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a training file for one process: bytes `start` to `stop`, or row groups of a parquet file.

    kind: text, lines (JSON, one row a line), array (of JSON), parquet, arrow. wanted: the fields of the text. repo,
    revision: of a file on the Hub, else empty. broken: why it cannot be read, when that is allowed.
    """

    name: str
    path: str
    kind: str
    packed: str
    size: int
    start: int = 0
    stop: int | None = None
    wanted: tuple[str, ...] = ()
    repo: str = ""
    revision: str = ""
    broken: str = ""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a match is: `number` counts lines or rows from 1, `byte` from the file's beginning (unpacked), or -1."""

    file: str
    number: int
    byte: int
    kind: str

    def __str__(self) -> str:
        at = f", byte {self.byte}" if self.byte >= 0 else ""
        return f"{self.file}: {self.kind} {self.number}{at}"


@dataclass(frozen=True, slots=True)
class Match:
    """A run of equal units: its length, how many of them count, the text there with what stands around it."""

    counted: int
    length: int
    begin: int
    place: Place
    before: str
    text: str
    after: str

    @property
    def order(self) -> tuple[Any, ...]:
        """The longest first; among equals the place decides, not the order in which they were found."""
        return (-self.counted, -self.length, self.place, self.begin)


@dataclass(slots=True)
class Found:
    """What a scan has found, and what it has read. Matches and places by (unit, item).

    longest: the most counted units of a run, and of a passage, in the whole item, its question and its answer, by
    (unit, item, measure). fields: rows in which each field gave text. garbled: bytes in blocks that are in part no
    UTF-8, where a text may stand in another encoding. coded: bytes of texts in base64 and the like; disguised: letters
    of other alphabets in Latin words.
    """

    matches: dict[tuple[str, int], list[Match]] = field(default_factory=lambda: defaultdict(list))
    longest: dict[tuple[str, int, str], tuple[int, int, int]] = field(default_factory=dict)
    fields: Counter[str] = field(default_factory=Counter)
    places: Counter[tuple[str, int]] = field(default_factory=Counter)
    seen: list[np.ndarray] = field(default_factory=list)
    bytes: int = 0
    documents: int = 0
    lines: int = 0
    words: int = 0
    replaced: int = 0
    garbled: int = 0
    coded: int = 0
    disguised: int = 0
    rows: int = 0
    unreadable: int = 0
    without_text: int = 0
    unread: int = 0
    other_text: int = 0
    media: int = 0
    problems: list[tuple[str, int, str, str]] = field(default_factory=list)  # file, line or row, which of them, why
    broken: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the rules need to know of an item, its question or its answer.

    `counted` leaves out boilerplate and all but one word of a formula. template: so little of the item is its own that
    only all of it, word for word, says something.
    """

    words: int
    counted: int
    longest: int
    windows: int
    windows_found: int
    characters: int
    longest_characters: int
    passage: int = 0
    template: bool = False


@dataclass(frozen=True, slots=True)
class Judged:
    """An item with its status under each rule, and by rule the parts of it that were found ("question", ...)."""

    item: BenchmarkItem
    facts: Facts
    status: Mapping[str, str]
    matches: tuple[Match, ...]
    places: int
    parts: Mapping[str, str] = field(default_factory=dict)

    @property
    def suspect(self) -> bool:
        """Whether any rule holds."""
        return SUSPECT in self.status.values()


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean of items, or a difference of two, with its interval."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """The scores of one record's result under one rule; scores are on the record's scale.

    inflation: the score on all items less that on the clean ones, where all are judged. beyond: the difference less
    that of the other models on the same items. why: the difference is not judged, or "". right: of answers that are
    right or wrong, how many of each side are. joined: how many samples were found by their text, how many by their id.
    """

    rule: str
    model: str
    task: str
    result_id: str
    record: str
    counts: Mapping[str, int]
    recorded: float
    why: str
    all: Mean | None = None
    clean: Mean | None = None
    suspect: Mean | None = None
    difference: Mean | None = None
    inflation: Mean | None = None
    method: str = ""
    beyond: Mean | None = None
    lower_is_better: bool = False
    right: Mapping[str, int] = field(default_factory=dict)
    joined: str = ""


@dataclass(frozen=True, slots=True)
class Sources:
    """The training text as it was named: its parts, and files that were left out with the reason.

    unread: bytes of files that were left out and may hold text; unopened: pipes and folders elsewhere, of any size.
    """

    names: tuple[str, ...]
    parts: tuple[Part, ...]
    left_out: tuple[str, ...] = ()
    unread: int = 0
    unopened: int = 0

    @property
    def size(self) -> int:
        """Bytes of the files that are read."""
        return sum(part.size for part in self.parts)


@dataclass(frozen=True, slots=True)
class Check:
    """The whole answer."""

    rules: tuple[Rule, ...]
    filter: Filter
    judged: tuple[Judged, ...]
    duplicates: int
    item_files: tuple[str, ...]
    sources: Sources
    found: Found
    scores: tuple[ScoreRow, ...]
    fewest: int
    own: tuple[str, ...] = ()  # what files with own entries say of the benchmarks of the scores

    def count(self, rule: Rule, status: str) -> int:
        """The items that have a status under a rule."""
        return sum(one.status[rule.name] == status for one in self.judged)

    @property
    def suspects(self) -> list[Judged]:
        """The suspect items, the longest matches first."""
        found = [one for one in self.judged if one.suspect]
        return sorted(found, key=lambda one: (-one.facts.longest, -one.facts.longest_characters, one.item.label))

    @property
    def parts_found(self) -> Counter[str]:
        """How many suspect items were found as a whole, by their question only, with their answer, ..."""
        found: Counter[str] = Counter()
        for one in self.suspects:
            names = set(one.parts.values())
            both = {"question", "answer"} <= set(" and ".join(names).split(" and "))
            found["question and answer" if both else min(names, key=len) if len(names) > 1 else next(iter(names))] += 1
        return found

    @property
    def nearest(self) -> Judged | None:
        """The item with the largest share of equal words of those that no rule suspects."""
        others = [one for one in self.judged if not one.suspect and one.facts.counted and one.facts.passage]
        return max(others, key=lambda one: one.facts.passage / one.facts.counted, default=None)

    @property
    def unjudged(self) -> int:
        """Items that no rule could judge."""
        return sum(set(one.status.values()) == {TOO_SHORT} for one in self.judged)

    @property
    def doubts(self) -> list[str]:
        """Why "nothing found" is no answer."""
        why = []
        if self.unjudged > MOST_UNJUDGED * len(self.judged):
            why.append(f"{self.unjudged} of {len(self.judged)} items are too short to judge")
        if self.found.broken:
            files = plural(len(self.found.broken), "training file")
            why.append(f"{files} could not be read to the end")
        if self.found.unreadable > MOST_SKIPPED * self.found.rows:
            why.append(f"{self.found.unreadable} of {self.found.rows} rows of the training text could not be read")
        if self.found.unread > MOST_SKIPPED * self.found.rows:
            why.append(f"{self.found.unread} of {self.found.rows} rows hold something that is no text in a field read")
        if self.found.garbled > MOST_SKIPPED * self.found.bytes:
            why.append(f"{self.found.garbled} bytes of the text are mixed with bytes that are not UTF-8: convert them")
        if self.found.coded > MOST_SKIPPED * self.found.bytes:
            why.append(
                f"{self.found.coded} bytes of the text hold text in base64, hexadecimal digits or %XX: decode it"
            )
        if self.found.disguised > MOST_SKIPPED * self.found.words:
            why.append(f"{self.found.disguised} letters of other alphabets stand in Latin words: replace them")
        if self.sources.unopened:
            why.append(f"pipes or linked folders were not read: {'; '.join(self.sources.left_out)}")
        if self.sources.unread > MOST_SKIPPED * (self.sources.size + self.sources.unread):
            why.append(f"{self.sources.unread} bytes of files were left out; name the files that are to be read")
        return why

    @property
    def verdict(self) -> str:
        """The answer to "are items of the benchmark in the text?"."""
        if any(one.suspect for one in self.judged):
            return CONTAMINATED
        return UNDECIDED if self.doubts else NOT_FOUND


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


# --- parts/contamination/words.py -------------------------------------------------------------------------------------

CONTROL_BYTES = re.compile(rb"[\0-\x08\x0b\x0c\x0e-\x1f\x7f]")
UNIT_BASE = 0xD6E8FEB86659FD93
NOT_UTF8 = re.compile("[\udc80-\udcff]+")  # as the error handler surrogateescape leaves it
BASE32 = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
STRANGE_ALPHABETS = ("ARMENIAN", "CHEROKEE", "COPTIC", "LISU", "TIFINAGH", "OGHAM", "RUNIC", "CANADIAN SYLLABICS")
# So many of them close together are letters of another encoding; accents of Latin-1 stand further apart.
OTHER_ENCODING = re.compile("(?:[\udc80-\udcff]+[^\udc80-\udcff]{0,8}){16}")


CODED_RUN = re.compile(rb"[A-Za-z0-9+/_-]{20,}")  # of base64 or base32; what words and names it takes is tried
CODED_WORD = re.compile(rb"[\"'(\[]?(?:[A-Za-z0-9+/]{4}){0,9}[A-Za-z0-9+/]{2}(?:==|[A-Za-z0-9+/]=)")
PERCENT_RUN = re.compile(rb"(?:%[0-9A-Fa-f]{2}[^%\s]{0,24}(?:\s{1,2}[^%\s]{0,3})?){8,}")
OCTAL_RUN = re.compile(rb"(?:\\[0-3][0-7]{2}\s?){8,}")
BETWEEN_DIGITS = re.compile(rb"\\x|0x|\\u00|U\+00|&#x|[^0-9A-Fa-f]")
HEXADECIMAL = b"0123456789abcdefABCDEFxuU+&#\\%=:;,- \t\r\n"  # in any spelling, with what stands between digits
DIGITS = bytes(120 if code in HEXADECIMAL else 32 for code in range(256))  # "x" for these
CASES = bytes(97 if 97 <= code <= 122 else 65 if 65 <= code <= 90 else 32 for code in range(256))
DIGIT_RUN = 36  # bytes of these alone, as no words have
LONG_WORD = 20  # bytes of a word as base64 has many
FEW_CODED = 0.002  # share of the text in such words, or of capitals behind small letters, that is looked at
SAMPLE, MOST_TRIED = 128, 400  # bytes of a piece that is tried; pieces of a block, of more evenly so many


def coded_bytes(raw: bytes, words: np.ndarray) -> int:
    """About how many bytes of a text are another text in base64, hexadecimal digits and the like; pictures are none.

    words: the sizes of the words in it, by which most texts are done with.
    """
    found = 0
    if raw.count(b"%") > len(raw) * FEW_CODED:
        found += sum(len(run[0]) for run in PERCENT_RUN.finditer(raw))
    if raw.count(b"\\") > len(raw) * FEW_CODED:
        found += sum(len(run[0]) for run in OCTAL_RUN.finditer(raw))
    if words[words >= LONG_WORD].sum() > len(raw) * FEW_CODED or turns_large(raw) > len(raw) * FEW_CODED / 2:
        found += readable_share([run[0] for run in CODED_RUN.finditer(raw)], is_coded)
    if raw.count(b"=") > len(raw) * FEW_CODED:
        found += readable_share([word for word in raw.split() if word[-1:] == b"="], is_coded_word)
    return found + readable_share(digit_runs(raw), is_hexadecimal)


def readable_share(runs: Sequence[bytes], tried: Callable[[bytes], bool]) -> int:
    """How many bytes of some runs are text in a code, piece by piece; estimated where there are many."""
    pieces = [run[start : start + SAMPLE] for run in runs for start in range(0, len(run), SAMPLE)]
    sample = pieces[:: -(-len(pieces) // MOST_TRIED) or 1]
    sizes = sum(map(len, sample))
    return int(sum(len(piece) for piece in sample if tried(piece)) * sum(map(len, pieces)) / sizes) if sizes else 0


def turns_large(raw: bytes) -> int:
    """How many capitals stand behind a small letter, as in base64 and in no prose."""
    return raw.translate(CASES).count(b"aA")


def digit_runs(raw: bytes) -> list[bytes]:
    """The parts of a text that are hexadecimal digits, in any spelling, and what stands between them."""
    marked = raw.translate(DIGITS)
    if b"x" * DIGIT_RUN not in marked:
        return []
    return [raw[run.start() : run.end()] for run in re.finditer(b"x{%d,}" % DIGIT_RUN, marked)]


def is_hexadecimal(piece: bytes) -> bool:
    """Whether digits are those of a text; decimal numbers, which may be any, are none."""
    digits = BETWEEN_DIGITS.sub(b"", piece)
    if len(digits) < DIGIT_RUN // 2 or digits.isdigit():
        return False
    return any(
        is_readable(bytes.fromhex(digits[skip : (len(digits) - skip) // 2 * 2 + skip].decode())) for skip in (0, 1)
    )


def is_coded(piece: bytes) -> bool:
    """Whether letters and digits are a text in base64 or base32, from whichever of them on."""
    signs = b"-_" if b"-" in piece or b"_" in piece else None
    tries = [base64.b64decode(piece[skip : skip + (len(piece) - skip) // 4 * 4], signs) for skip in range(4)]
    if not set(piece) - BASE32:
        tries += [base64.b32decode(piece[skip : skip + (len(piece) - skip) // 8 * 8]) for skip in range(8)]
    return any(map(is_readable, tries))


def is_coded_word(word: bytes) -> bool:
    """Whether a word with its padding is another word in base64."""
    plain = base64.b64decode(word.lstrip(b"\"'([")) if CODED_WORD.fullmatch(word) else b"\0"
    return plain.isascii() and plain.decode().isprintable()


@functools.cache
def strange_letters() -> np.ndarray:
    """By code point: letters that look like Latin ones and are none, and those of alphabets that are full of such."""
    import numpy as np

    found = np.zeros(0x10000, bool)
    found[list(DISGUISES)] = True
    for code in range(0x250, 0xAC00):
        name = unicodedata.name(chr(code), "") if chr(code).isalpha() else ""
        found[code] |= name.startswith(STRANGE_ALPHABETS) or "LETTER SMALL CAPITAL" in name or code in (0x251, 0x261)
    return found


def disguised_letters(raw: bytes) -> int:
    """How many letters that look like Latin ones and are none stand beside a Latin letter, as in no honest word."""
    import numpy as np

    data, found = np.frombuffer(raw + b"\0\0\0", np.uint8), 0
    for size, first, last in ((2, 0xC9, 0xD6), (3, 0xE1, 0xEA)):
        at = np.flatnonzero((data[1:-3] >= first) & (data[1:-3] <= last)) + 1
        codes = data[at].astype(np.int64) & (0xFF >> size + 1)
        for place in range(1, size):
            codes = codes << 6 | data[at + place] & 63
        at = at[strange_letters()[codes]]
        found += int(np.sum(latin_bytes(data[at - 1]) | latin_bytes(data[at + size])))
    return found


def latin_bytes(data: np.ndarray) -> np.ndarray:
    """Which bytes are letters of ASCII."""
    return (data | 32) - 97 < 26


def is_spaced(character: str) -> bool:
    """Whether a character belongs to a script that puts no spaces between words; each of its letters is a word then.

    Thai to Lao, Myanmar, Khmer, kana, CJK ideographs.
    """
    code = ord(character)
    return (
        0x0E00 <= code <= 0x0EFF
        or 0x1000 <= code <= 0x109F
        or 0x1780 <= code <= 0x17FF
        or 0x2E80 <= code <= 0x2FDF
        or 0x3040 <= code <= 0x30FF
        or 0x3400 <= code <= 0x9FFF
        or 0xF900 <= code <= 0xFAFF
        or 0x20000 <= code <= 0x3FFFF
    )


def is_ideograph(character: str) -> bool:
    """Whether a character is Chinese and may have a simplified form."""
    return "\u3400" <= character <= "\u9fff" or "\uf900" <= character <= "\ufaff" or character >= "\U00020000"


@functools.cache
def simplifier() -> Any:
    """OpenCC's converter from traditional to simplified characters.

    By the place of its own file: of a name alone it would take a file of the current folder.
    """
    import opencc

    return opencc.OpenCC(str(Path(opencc.__file__).parent / "clib" / "share" / "opencc" / "t2s.json"))


def plain_form(character: str) -> str:
    """The letter that a small capital is a form of, the sign that an invisible tag stands for; others as they are."""
    if 0xE0020 <= ord(character) <= 0xE007E:
        return chr(ord(character) - 0xE0000)
    letter = unicodedata.name(character, "").removeprefix("LATIN LETTER SMALL CAPITAL ")
    return letter.lower() if len(letter) == 1 else character


@functools.lru_cache(maxsize=200_000)
def fold_character(character: str) -> bytes:
    """A character as it is compared: without case, accents and width; a space for what is neither letter nor digit.

    "É" -> "e", "ﬁ" -> "fi", "ı" -> "i", "—" -> " ", soft hyphen -> "", "ᴀ" -> "a", "東" -> " 东 " (a word of its own)
    """
    character = plain_form(character)
    if is_ideograph(character):
        return f" {simplifier().convert(character)} ".encode()
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold())
    decomposed = decomposed.replace("ı", "i").replace("\u0640", "")  # Turkish capitals have lost their dot; tatweel
    folded = ""
    for part in decomposed:
        category = unicodedata.category(part)
        if category not in ("Mn", "Me", "Cf"):
            folded += part if part.isalnum() or category == "Mc" else " "
    return (f" {folded} " if is_spaced(character) else folded).encode("utf-8", "replace")


# Digits that stand for letters in "1337": each for one of its own, so that unlike numbers stay unlike.
LETTERS_OF_DIGITS = bytes.maketrans(b"0134578", b"oieastb")
# Each character is folded for itself, so a text may be cut anywhere between two characters and folded in pieces.
ASCII_TABLE = bytes(fold_character(chr(c))[0] if c < 128 and c != SEPARATOR[0] else c for c in range(256))


class CharacterTable:
    """The folded forms of the characters met so far, as arrays: folded[offsets[c]:offsets[c] + sizes[c]]."""

    def __init__(self) -> None:
        import numpy as np

        self.sizes = np.full(sys.maxunicode + 1, -1, np.int8)
        self.offsets = np.zeros(sys.maxunicode + 1, np.int32)
        self.folded = np.zeros(0, np.uint8)

    def look_up(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(the length of each character's folded form, all forms end to end)"""
        import numpy as np

        sizes = self.sizes[codes]
        if sizes.min(initial=0) < 0:
            self.learn(np.unique(codes[sizes < 0]).tolist())
            sizes = self.sizes[codes]
        sizes = sizes.astype(np.int64)
        return sizes, self.folded[spread(self.offsets[codes], sizes)]

    def learn(self, codes: Sequence[int]) -> None:
        """Add some characters."""
        import numpy as np

        forms = [fold_character(chr(code)) for code in codes]
        sizes = [len(form) for form in forms]
        self.sizes[codes] = sizes
        self.offsets[codes] = len(self.folded) + np.cumsum([0, *sizes[:-1]])
        self.folded = np.concatenate([self.folded, np.frombuffer(b"".join(forms), np.uint8)])


@functools.cache
def character_table() -> CharacterTable:
    """The one table of a process."""
    return CharacterTable()


def spread(starts: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """start, start + 1, ... for each start, so many as its size says."""
    import numpy as np

    ends = np.cumsum(sizes)
    return np.repeat(starts - (ends - sizes), sizes) + np.arange(ends[-1] if len(ends) else 0)


def is_readable(piece: bytes) -> bool:
    """Whether some bytes are text all the same, of UTF-8 or UTF-16, whatever stands before it."""
    bare = piece.replace(b"\0", b"")
    return len(CONTROL_BYTES.sub(b"", bare.decode("utf-8", "ignore").encode())) > 0.9 * len(bare) > 0


def without_errors(raw: bytes) -> tuple[bytes, int]:
    """(a text with spaces for the bytes that are not UTF-8, how many sequences of such bytes there are)"""
    text, count = NOT_UTF8.subn(lambda match: " " * len(match[0]), raw.decode("utf-8", "surrogateescape"))
    return text.encode(), count


class Folded:
    """A text as it is compared, in UTF-8: letters and digits, anything else a space; and the way back to the original.

    replaced: how many sequences of bytes were not UTF-8. Raw text must not hold SEPARATOR but between documents.
    """

    def __init__(self, raw: bytes) -> None:
        self.replaced = 0
        self.data = raw.translate(ASCII_TABLE)
        self.ends: np.ndarray | None = None  # of the folded forms of characters that are not ASCII
        if not self.data.isascii():
            self.fold_foreign(raw)

    def fold_foreign(self, raw: bytes) -> None:
        """Fold the characters that are not ASCII."""
        import numpy as np

        try:
            raw.decode()
        except UnicodeDecodeError:
            raw, self.replaced = without_errors(raw)
            self.data = raw.translate(ASCII_TABLE)
        data = np.frombuffer(self.data, np.uint8)
        foreign = data >= 0x80
        codes = np.frombuffer(data[foreign].tobytes().decode().encode("utf-32-le"), np.uint32)
        sizes, forms = character_table().look_up(codes)
        starts = np.flatnonzero(data >= 0xC0)  # the first byte of each character
        repeats = np.ones(len(data), np.int64)
        repeats[foreign] = 0
        repeats[starts] = sizes
        folded = np.repeat(data, repeats)
        lengths = 1 + (codes >= 0x80).astype(np.int64) + (codes >= 0x800) + (codes >= 0x10000)
        self.raw_starts, self.raw_ends = starts, starts + lengths
        self.ends = self.raw_ends + np.cumsum(sizes - lengths)
        folded[spread(self.ends - sizes, sizes)] = forms
        self.data = folded.tobytes()

    def raw_offsets(self, offsets: np.ndarray) -> np.ndarray:
        """Where places of the folded text are in the original."""
        import numpy as np

        if self.ends is None or not len(self.ends):
            return offsets
        before = np.searchsorted(self.ends, offsets, "right")  # foreign characters that end at or before each place
        moved = np.concatenate([np.zeros(1, np.int64), self.raw_ends - self.ends])
        raw = offsets + moved[before]
        following = np.append(self.raw_starts, np.iinfo(np.int64).max)[before]
        return np.minimum(raw, following)  # a place in a character's folded form is that character


def word_bounds(data: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the words of a folded text begin and end."""
    import numpy as np

    inside = np.zeros(len(data) + 2, bool)
    np.not_equal(data, 32, out=inside[1:-1])
    edges = np.flatnonzero(inside[1:] != inside[:-1])
    return edges[::2], edges[1::2]


#
# A word's hash is sum(byte[i] * BYTE_BASE^i) and a window's sum(unit[i] * UNIT_BASE^i), modulo 2^64. Both come from
# running totals: the difference of two totals, times the inverse of the base to the power of where the word begins.


@functools.lru_cache(maxsize=16)
def power_table(base: int, size: int) -> np.ndarray:
    """1, base, base^2, ... modulo 2^64."""
    import numpy as np

    factors = np.full(size, base, np.uint64)
    factors[0] = 1
    return np.multiply.accumulate(factors)


def powers(base: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The powers of a base and of its inverse, at least so many; tables are made for sizes that double."""
    rounded = 1 << max(16, (size - 1).bit_length())
    return power_table(base, rounded)[:size], power_table(pow(base, -1, 2**64), rounded)[:size]


def word_hashes(data: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """A hash for each word of a folded text."""
    import numpy as np

    factors, inverse = powers(BYTE_BASE, len(data) + 1)
    total = np.zeros(len(data) + 1, np.uint64)
    np.multiply(data, factors[:-1], out=total[1:])
    np.cumsum(total, out=total)
    return (total[ends] - total[starts]) * inverse[starts]


def window_hashes(units: np.ndarray, window: int) -> np.ndarray:
    """A hash for each window of so many units, in the order in which they begin."""
    import numpy as np

    if len(units) < window:
        return np.zeros(0, np.uint64)
    factors, inverse = powers(UNIT_BASE, len(units) + 1)
    total = np.zeros(len(units) + 1, np.uint64)
    np.multiply(units, factors[:-1], out=total[1:])
    np.cumsum(total, out=total)
    return (total[window:] - total[:-window]) * inverse[: len(units) - window + 1]


def filter_slots(hashes: np.ndarray, size: int, which: int) -> np.ndarray:
    """The bit of each hash in the first or the second filter of so many bytes (a power of two)."""
    import numpy as np

    mixed = hashes if which == 0 else hashes * np.uint64(BYTE_BASE)
    return (mixed >> np.uint64(64 - 3 - (size - 1).bit_length())).view(np.int64)


# --- parts/contamination/items.py -------------------------------------------------------------------------------------

# A run of 50 characters (at least 50 bytes) holds one of the item's windows of 40 bytes when they begin every 11 bytes.
CHARACTER_WINDOW, CHARACTER_STRIDE = 40, 11
LEAST_WEIGHT = 2  # of a window that is looked up: what is all boilerplate or all formula is not
BITS_PER_WINDOW = 16  # of each of the two filters in front of the table; one window in 16 passes one by chance
SLICE = 2**20  # words or letters of items hashed at once
FORMULA_RUN = 4  # numbers and single letters in a row that are a formula

# Instructions that come with benchmark items and with many other texts. The first is the false positive of 13-grams
# that is known best; the others are of MMLU, the harnesses' prompts and instruction tuning.
BOILERPLATE = (
    "Construct a complete truth table for the following argument. Then, using the truth table, determine whether the "
    "argument is valid or invalid. If the argument is invalid, choose an option which presents a counterexample. "
    "(There may be other counterexamples as well.)",
    "Construct a complete truth table for the following pairs of propositions. Then, using the truth tables, determine "
    "whether the statements are logically equivalent or contradictory. If neither, determine whether they are "
    "consistent or inconsistent. Justify your answers.",
    "Use indirect truth tables to determine whether the following argument is valid. If the argument is invalid, "
    "choose an option which presents a counterexample. (There may be other counterexamples as well.)",
    "Which of the given formulas of PL is the best symbolization of the following sentence?",
    "Find the degree for the given field extension",
    "The following are multiple choice questions (with answers) about",
    "Answer the following multiple choice question. The last line of your response should be of the following format",
    "Answer the following multiple-choice question by giving the most appropriate response. Answer should be one among",
    "Given the following question and four candidate answers (A, B, C and D), choose the best answer.",
    "Please reason step by step, and put your final answer within \\boxed{}.",
    "Solve the following math problem efficiently and clearly. The last line of your response should be of the "
    "following format",
    "Solve the following math problem step by step. The last line of your response should be of the form",
    "Read the following passage and answer the question that follows.",
    "Read the passage below and answer the question that follows.",
    "Below is an instruction that describes a task. Write a response that appropriately completes the request.",
    "Below is an instruction that describes a task, paired with an input that provides further context. Write a "
    "response that appropriately completes the request.",
    "Complete the following Python function. You are given a function signature and its docstring.",
    "You are an expert Python programmer, and here is your task. Your code should pass these tests",
)

# What a formula is made of beside LaTeX commands, numbers and single letters.
FORMULA_WORDS = frozenset(
    b"sin cos tan cot sec csc sinh cosh tanh arcsin arccos arctan log ln exp lim sqrt frac dfrac tfrac binom dbinom "
    b"tbinom cdot cdots ldots dots pmod mod gcd lcm infty leq geq neq approx equiv alpha beta gamma delta epsilon "
    b"theta lambda mu sigma phi omega psi rho tau pi mathbb mathrm mathbf mathcal overline displaystyle qquad".split()
)
VARIABLE = re.compile(rb"[a-z]|\d+|\d+[a-z]|[a-z]\d+")  # a number or a variable: "x", "12", "2x", "x1"
LATEX_COMMAND = re.compile(rb"\\([A-Za-z]+)")
OWN, FORMULA, SHARED = 0, 1, 2
LONG_TEMPLATE = 13  # words of an item that say something though other items share most of them
INFORMATIVE = WORD_WINDOW // 2 + 1  # words of a window that must count for the window to say anything


@dataclass(frozen=True, slots=True)
class Words:
    """The words of all items end to end. text: each followed by a space; kind: OWN, FORMULA or SHARED.

    questions, answers: the words at which they begin, of each item. templates: whether an item has so few words of its
    own that all of them count, and only the whole of it can be found.
    """

    text: bytes
    text_bounds: np.ndarray
    hashes: np.ndarray
    bounds: np.ndarray
    questions: np.ndarray
    answers: np.ndarray
    kind: np.ndarray
    templates: np.ndarray


def formula_words(raw: bytes, folded: Folded, words: Sequence[bytes]) -> list[bool]:
    """Which words of a text belong to a formula: a run of LaTeX commands, function names, numbers and variables.

    A few numbers or letters alone are none ("48 of her friends", "I have a dog"); a command or a function's name is.
    """
    import numpy as np

    commands = {match.start(1) for match in LATEX_COMMAND.finditer(raw)}
    starts: list[int] = []
    if commands:
        begins, _ = word_bounds(np.frombuffer(folded.data, np.uint8))
        starts = folded.raw_offsets(begins).tolist()
    named = [word in FORMULA_WORDS or bool(starts and starts[i] in commands) for i, word in enumerate(words)]
    like = [name or bool(VARIABLE.fullmatch(word)) for name, word in zip(named, words, strict=True)]
    result = [False] * len(words)
    i = 0
    while i < len(words):
        j = i
        while j < len(words) and like[j]:
            j += 1
        if j - i >= FORMULA_RUN or any(named[i:j]):
            result[i:j] = [True] * (j - i)
        i = j + 1
    return result


def item_words(items: Sequence[BenchmarkItem], filtered: bool) -> Words:
    """The words of some items, formulas marked when `filtered`."""
    import numpy as np

    text, kinds, counts = bytearray(), bytearray(), []
    for item in items:
        for section in item.sections:
            raw = without_markup(section.encode("utf-8", "replace").replace(SEPARATOR, b" "))
            folded = Folded(raw)
            words = folded.data.split()
            text += b"".join(word + b" " for word in words).translate(LETTERS_OF_DIGITS)
            kinds += bytes(formula_words(raw, folded, words)) if filtered else bytes(len(words))
            counts.append(len(words))
    data = np.frombuffer(bytes(text), np.uint8)
    spaces = np.flatnonzero(data == 32) + 1
    text_bounds = np.concatenate([np.zeros(1, np.int64), spaces])
    begins = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])
    return Words(
        text=bytes(text),
        text_bounds=text_bounds,
        hashes=hashed_words(data, text_bounds),
        bounds=begins[::3],
        questions=begins[1::3],
        answers=begins[2::3],
        kind=np.frombuffer(kinds, np.uint8).copy(),
        templates=np.zeros(len(items), bool),
    )


def same_texts(words: Words) -> np.ndarray:
    """For each item the first one with the same words: items that are given again under other ids share nothing."""
    import numpy as np

    first: dict[bytes, int] = {}
    edges = words.text_bounds[words.bounds]
    pairs = zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
    return np.array([first.setdefault(words.text[low:high], i) for i, (low, high) in enumerate(pairs)], np.uint32)


def hashed_words(data: np.ndarray, bounds: np.ndarray, slice_size: int = 2**17) -> np.ndarray:
    """The hashes of words that stand end to end, a space behind each; in slices of so many words."""
    import numpy as np

    parts = []
    for i in range(0, len(bounds) - 1, slice_size):
        edges = bounds[i : i + slice_size + 1] - bounds[i]
        parts.append(word_hashes(data[bounds[i] : bounds[i] + edges[-1]], edges[:-1], edges[1:] - 1))
    return np.concatenate(parts) if parts else np.zeros(0, np.uint64)


def item_windows(
    units: np.ndarray, bounds: np.ndarray, window: int, stride: int = 1
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """(where they begin, their items, their hashes) of the windows within items; every stride-th of each item.

    In slices, so that the sequence may be long.
    """
    import numpy as np

    for low in range(0, len(units), SLICE):
        begin = np.arange(low, min(low + SLICE, len(units)))
        item = np.searchsorted(bounds, begin, "right") - 1
        inside = (begin + window <= bounds[item + 1]) & ((begin - bounds[item]) % stride == 0)
        begin = begin[inside]
        hashes = window_hashes(units[low : low + SLICE + window - 1], window)
        yield begin.astype(np.uint32), item[inside].astype(np.uint32), hashes[begin - low]


def joined(parts: Iterable[Sequence[np.ndarray]]) -> list[np.ndarray]:
    """Columns of slices, each as one array."""
    import numpy as np

    return [np.concatenate(column) for column in zip(*parts, strict=True)]


def covered(starts: np.ndarray, window: int, size: int) -> np.ndarray:
    """Which units lie in one of the windows that begin at some places."""
    import numpy as np

    change = np.bincount(starts, minlength=size + 1)
    change -= np.bincount(starts.astype(np.int64) + window, minlength=size + 1)
    return np.cumsum(change[:size]) > 0


def shared_windows(words: Words, tasks: Sequence[str], limits: Mapping[str, int]) -> tuple[np.ndarray, np.ndarray]:
    """(where windows begin that more items of a task hold than its limit, alike ones once; where instructions do)"""
    import numpy as np

    none = np.zeros(0, np.uint32)
    if not len(words.hashes):
        return none, none
    begin, item, value = joined(item_windows(words.hashes, words.bounds, WORD_WINDOW))
    if not len(begin):
        return none, none
    known = begin[np.isin(value, instruction_hashes())]
    item = same_texts(words)[item]
    numbers = {name: i for i, name in enumerate(limits)}
    task = np.array([numbers[name] for name in tasks], np.uint64)
    key = value + (task * np.uint64(BYTE_BASE))[item]  # the same text of two tasks is not the same
    order = np.lexsort((item, key))
    key, item = key[order], item[order]
    first = np.concatenate([[True], key[1:] != key[:-1]])  # of the windows with one text
    holder = first | np.concatenate([[True], item[1:] != item[:-1]])
    groups = np.flatnonzero(first)
    holders = np.add.reduceat(holder, groups, dtype=np.int64)
    limit = np.array([limits[name] for name in tasks])[item[groups]]
    return begin[order[np.repeat(holders > limit, np.diff(np.append(groups, len(order))))]], known


@functools.cache
def instruction_hashes() -> np.ndarray:
    """The hashes of the windows of BOILERPLATE."""
    words = item_words([BenchmarkItem("", "", text) for text in BOILERPLATE], False)
    return joined(item_windows(words.hashes, words.bounds, WORD_WINDOW))[2]


def read_words(items: Sequence[BenchmarkItem], filter_: Filter) -> Words:
    """The words of the items with what the filter says of each."""
    import numpy as np

    words = item_words(items, filter_.on)
    if filter_.on:
        tasks = [item.task for item in items]
        limits = {task: filter_.limit(count) for task, count in Counter(tasks).items()}
        places = shared_windows(words, tasks, limits)
        by_items, known = (covered(starts, WORD_WINDOW, len(words.kind)) for starts in places)
        mark_templates(words, by_items & ~known, known)
        words.kind[(by_items & ~np.repeat(words.templates, np.diff(words.bounds))) | known] = SHARED
    return words


def mark_templates(words: Words, shared: np.ndarray, known: np.ndarray) -> None:
    """Mark items that are long but have too few words of their own: variants of one template, all of which counts."""
    import numpy as np

    totals = [np.concatenate([[0], np.cumsum(flags)])[words.bounds] for flags in (~known, ~(shared | known))]
    size, own = (np.diff(total) for total in totals)
    words.templates[:] = (size >= LONG_TEMPLATE) & (own < WORD_WINDOW)


def repeats_itself(units: np.ndarray, begin: np.ndarray, window: int) -> np.ndarray:
    """Which windows only repeat a few units ("0 0 0 0 ..."): they would match such text at every place."""
    import numpy as np

    views = np.lib.stride_tricks.sliding_window_view(units, window)
    found = np.zeros(len(begin), bool)
    for low in range(0, len(begin), 2**16):
        rows = views[begin[low : low + 2**16]]
        for period in range(1, window // 2 + 1):
            found[low : low + 2**16] |= (rows[:, period:] == rows[:, :-period]).all(axis=1)
    return found


def usable_windows(
    units: np.ndarray, bounds: np.ndarray, counted: np.ndarray, window: int, stride: int
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """(where they begin, their hashes, how many of their units count) of the windows that are looked up."""
    for begin, _, hashes in item_windows(units, bounds, window, stride):
        weight = counted[begin + window] - counted[begin]
        usable = weight >= LEAST_WEIGHT
        if usable.any():
            usable[usable] = ~repeats_itself(units, begin[usable], window)
        yield begin[usable], hashes[usable], weight[usable]


def make_index(
    units: np.ndarray,
    bounds: Sequence[np.ndarray],
    weights: np.ndarray,
    window: int,
    stride: int,
    least: int,
    text: np.ndarray,
    text_bounds: np.ndarray,
) -> Index:
    """The table of the windows of all items. bounds: of items, their questions, answers; weights: 1 where it counts."""
    import numpy as np

    bounds, questions, answers = bounds
    counted = np.zeros(len(units) + 1, np.int32)
    np.cumsum(weights, out=counted[1:])
    nothing = [np.zeros(0, kind) for kind in (np.uint32, np.uint64, np.int32)]
    positions, hashes, weight = joined([nothing, *usable_windows(units, bounds, counted, window, stride)])
    informative = np.zeros(len(units), bool)
    informative[positions] = weight >= INFORMATIVE
    order = np.argsort(hashes, kind="stable")
    hashes, positions = hashes[order], positions[order]
    first = np.ones(len(hashes), bool)
    np.not_equal(hashes[1:], hashes[:-1], out=first[1:])
    offsets = np.append(np.flatnonzero(first), len(hashes)).astype(np.uint32)
    hashes = hashes[first]
    return Index(
        window=window,
        stride=stride,
        least=least,
        longest=int(np.diff(bounds).max(initial=0)),
        units=units,
        bounds=bounds.astype(np.int64),
        questions=questions.astype(np.int64),
        answers=answers.astype(np.int64),
        counted=counted,
        hashes=hashes,
        offsets=offsets,
        positions=positions,
        bits=make_filter(hashes),
        text=text,
        text_bounds=text_bounds,
        informative=informative,
    )


def make_filter(hashes: np.ndarray) -> np.ndarray:
    """Two filters: a bit for each hash, in so many bytes that few bits are set."""
    import numpy as np

    size = 1 << max(10, (len(hashes) * BITS_PER_WINDOW // 8).bit_length())
    filters = []
    for which in (0, 1):
        bits = np.zeros(size * 8, bool)
        bits[filter_slots(hashes, size, which)] = True
        filters.append(np.packbits(bits, bitorder="little"))
    return np.stack(filters)


def word_index(words: Words, least: int) -> Index:
    """The index for the rules that count words; a formula counts as one."""
    import numpy as np

    formula = words.kind == FORMULA
    inner = np.zeros(len(formula), bool)  # words of a formula behind its first
    inner[1:] = formula[1:] & formula[:-1]
    begins = words.bounds[:-1]
    inner[begins[begins < len(inner)]] = False
    weights = (words.kind != SHARED) & ~inner
    text = np.frombuffer(words.text, np.uint8)
    bounds = words.bounds, words.questions, words.answers
    return make_index(words.hashes, bounds, weights, WORD_WINDOW, 1, least, text, words.text_bounds)


def character_index(words: Words, least: int) -> Index:
    """The index for the rule that counts letters and digits; those of formulas and boilerplate do not count."""
    import numpy as np

    text = np.frombuffer(words.text, np.uint8)
    sizes = np.diff(words.text_bounds) - 1
    units = text[text != 32]
    ends = np.concatenate([[0], np.cumsum(sizes)])
    own = np.repeat(words.kind == OWN, sizes)
    weights = own & ((units & 0xC0) != 0x80)  # the first byte of each character
    none = np.zeros(0, np.uint8)
    bounds = ends[words.bounds], ends[words.questions], ends[words.answers]
    return make_index(units, bounds, weights, CHARACTER_WINDOW, CHARACTER_STRIDE, least, none, none.astype(np.int64))


# --- parts/contamination/finding.py -----------------------------------------------------------------------------------

MOST_PAIRS = 2**21  # places of items that the hits of a block are expanded to at once


def look_up(index: Index, units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(where windows of a text begin that items have, their places in index.hashes)"""
    import numpy as np

    hashes = window_hashes(units, index.window)
    if not len(index.hashes):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    passed = np.arange(len(hashes))
    for which, bits in enumerate(index.bits):
        slots = filter_slots(hashes[passed] if which else hashes, len(bits), which)
        passed = passed[((bits[slots >> 3] >> (slots & 7).astype(np.uint8)) & 1).view(bool)]
    place = np.searchsorted(index.hashes, hashes[passed])
    np.minimum(place, len(index.hashes) - 1, out=place)
    hit = index.hashes[place] == hashes[passed]
    return passed[hit], place[hit]


def pairs(index: Index, at: np.ndarray, place: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(where in the text, where in the items) for all windows that both have, not too many at once."""
    import numpy as np

    counts = index.offsets[place + 1].astype(np.int64) - index.offsets[place]
    total = np.cumsum(counts)
    begin = 0
    while begin < len(at):
        done = total[begin - 1] if begin else 0
        end = max(begin + 1, int(np.searchsorted(total, done + MOST_PAIRS, "right")))
        count = counts[begin:end]
        chosen = spread(index.offsets[place[begin:end]].astype(np.int64), count)
        yield np.repeat(at[begin:end], count), index.positions[chosen].astype(np.int64)
        begin = end


def equal_runs(index: Index, units: np.ndarray) -> np.ndarray:
    """The longest runs of equal units: rows of (begin in the text, begin in the items, length), each once.

    Windows that follow each other in both are one run, which then grows on either side while the units are equal.
    """
    import numpy as np

    rows = [np.zeros((0, 3), np.int64)]
    for at, position in pairs(index, *look_up(index, units)):
        order = np.lexsort((at, position - at))
        at, position = at[order], position[order]
        step = np.diff(at)
        follows = (np.diff(position) == step) & (step <= index.stride)
        first = np.concatenate([[True], ~follows])
        last = np.concatenate([~follows, [True]])
        rows.append(grown(index, units, at[first], position[first], at[last] + index.window - at[first]))
    return np.unique(np.concatenate(rows), axis=0)


def grown(index: Index, units: np.ndarray, at: np.ndarray, position: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Runs, made as long as the units are equal and the item lasts."""
    import numpy as np

    item = np.searchsorted(index.bounds, position, "right") - 1
    low, high = index.bounds[item], index.bounds[item + 1]
    at, position, length = at.copy(), position.copy(), length.copy()
    live = np.arange(len(at))
    while len(live := live[(position[live] > low[live]) & (at[live] > 0)]):
        live = live[index.units[position[live] - 1] == units[at[live] - 1]]
        at[live] -= 1
        position[live] -= 1
        length[live] += 1
    live = np.arange(len(at))
    while len(live := live[(position[live] + length[live] < high[live]) & (at[live] + length[live] < len(units))]):
        live = live[index.units[position[live] + length[live]] == units[at[live] + length[live]]]
        length[live] += 1
    return np.stack([at, position, length], axis=1)


def equal_stretches(ours: Sequence[bytes], theirs: Sequence[bytes]) -> Iterator[tuple[int, int]]:
    """(begin, length) of the stretches in which two lists of words are equal: one, but where hashes collide."""
    if ours == theirs:
        yield 0, len(ours)
        return
    begin = None
    for i, (one, other) in enumerate(zip(ours, theirs, strict=True)):
        if one == other:
            begin = i if begin is None else begin
        elif begin is not None:
            yield begin, i - begin
            begin = None
    if begin is not None:
        yield begin, len(ours) - begin


def whole_characters(index: Index, at: int, position: int, length: int) -> tuple[int, int, int]:
    """A run of bytes without the parts of characters at its ends."""
    units, end = index.units, position + length
    while position < end and units[position] & 0xC0 == 0x80:
        at, position = at + 1, position + 1
    while end > position and end < len(units) and units[end] & 0xC0 == 0x80:
        end -= 1
    return at, position, end - position


# --- parts/contamination/scanning.py ----------------------------------------------------------------------------------

BEHIND = 4096  # bytes before a block, to see whether a match began there
AHEAD = 2**21  # bytes behind a block that are searched for as many words as the longest item has
NO_SPACE = 2**20  # bytes without white space after which a text is cut between two characters
WHITE = b" \t\n\r\v\f"
MOST_RUNS = 200  # of one item in one block that are looked at together
SHOWN_MATCHES = 3  # places kept of each item
SHOWN_TEXT, SHOWN_CONTEXT = 160, 40  # characters of a match, and on either side of it
SPACE = re.compile(rb"[ \t\n\r\v\f]")


@dataclass(frozen=True, slots=True)
class TextBlock:
    """A piece of text to scan: matches that begin in raw[begin:end] are its own; what stands around it is shared.

    locate: raw offset -> (place, where its document begins in raw, where it ends).
    """

    raw: bytes
    begin: int
    end: int
    locate: Callable[[int], tuple[Place, int, int]]


class Scanner:
    """Looks for the items of some indexes in blocks of text, and keeps what it has found."""

    def __init__(self, indexes: Sequence[Index], settings: ScanSettings) -> None:
        import numpy as np

        self.indexes = indexes
        self.longest_words = max((i.longest for i in indexes if i.unit == "words"), default=0)
        self.longest_bytes = max((i.longest for i in indexes if i.unit == "characters"), default=0)
        self.ahead = max(1024, 8 * self.longest_words, 2 * self.longest_bytes)
        self.block = settings.block if self.ahead < 2**16 else max(settings.block, 4 * self.ahead)
        self.skip_broken, self.gap = settings.skip_broken, settings.gap
        self.seen = {index.unit: np.zeros(len(index.units), bool) for index in indexes}
        self.found = Found()

    def finish(self) -> Found:
        """Everything found since the last call."""
        import numpy as np

        found, self.found = self.found, Found()
        if "words" in self.seen:
            found.seen.append(np.flatnonzero(self.seen["words"]).astype(np.uint32))
            self.seen["words"][:] = False
        return found

    def is_enough(self, raw: bytes) -> bool:
        """Whether a text is longer than the longest item, so that no match can reach beyond it."""
        words = Folded(raw.replace(SEPARATOR, b" ")).data.split()
        return len(words) > self.longest_words + 1 and sum(map(len, words)) > self.longest_bytes + 8

    def scan(self, block: TextBlock) -> None:
        """Find the matches that begin in a block."""
        import numpy as np

        folded = Folded(without_markup(block.raw))
        if folded.replaced:
            self.found.replaced += without_errors(block.raw[block.begin : block.end])[1]
        other = folded.replaced and OTHER_ENCODING.search(block.raw.decode("utf-8", "surrogateescape"))
        if other or block.raw.count(b"\0", block.begin, block.end) > MOST_NULS:
            self.found.garbled += block.end - block.begin
        folded.data = folded.data.translate(LETTERS_OF_DIGITS)
        data = np.frombuffer(folded.data, np.uint8)
        starts, ends = word_bounds(data)
        self.found.words += len(starts)
        own = block.raw[block.begin : block.end]
        self.found.coded += coded_bytes(own, ends - starts)
        self.found.disguised += 0 if own.isascii() else disguised_letters(own)
        for index in self.indexes:
            if index.unit == "words":
                self.take_words(block, folded, index, starts, ends, equal_runs(index, word_hashes(data, starts, ends)))
            else:
                inside = data != 32
                runs = equal_runs(index, data[inside])
                if len(runs):
                    self.take_characters(block, folded, index, np.flatnonzero(inside), runs)

    def take_words(
        self, block: TextBlock, folded: Folded, index: Index, starts: np.ndarray, ends: np.ndarray, runs: np.ndarray
    ) -> None:
        """Keep the runs of equal word hashes that are runs of equal words, and the block's own."""
        begins = folded.raw_offsets(starts[runs[:, 0]]).tolist()
        together: dict[int, list[tuple[int, int, int, int]]] = defaultdict(list)
        for (at, position, length), raw_begin in zip(runs.tolist(), begins, strict=True):
            own = block.begin <= raw_begin < block.end
            if raw_begin < block.begin or not (own or self.gap):
                continue
            ours = folded.data[starts[at] : ends[at + length - 1]].split()
            low, high = index.text_bounds[position], index.text_bounds[position + length]
            theirs = index.text[low:high].tobytes().split()
            for skip, size in equal_stretches(ours, theirs):
                if size < index.window:
                    continue
                begin, first = at + skip, position + skip
                item = int(index.bounds.searchsorted(first, "right")) - 1
                together[item].append((begin, first, size, raw_begin))
                if own:
                    self.seen["words"][first : first + size - index.window + 1] = True
                    self.keep(block, folded, index, (int(starts[begin]), int(ends[begin + size - 1])), first, size)

        for item, found in together.items():
            self.take_passages(block, index, item, found)

    def take_passages(
        self, block: TextBlock, index: Index, item: int, runs: Sequence[tuple[int, int, int, int]]
    ) -> None:
        """Keep what several runs of one item cover that stand together in one document.

        runs: (word of the block, unit of the index, words, place in the block). A stretch of text as long as the item,
        and by `gap` words in twelve longer, is searched from each run that begins in the block.
        """
        if len(runs) == 1 or not self.gap:
            for _, first, size, raw_begin in runs:
                if raw_begin < block.end:
                    self.remember(index, item, "passage", [(first, size)])
            return
        runs = sorted(runs)[:MOST_RUNS]
        documents = [block.locate(raw_begin)[1] for *_, raw_begin in runs]
        words = int(index.bounds[item + 1] - index.bounds[item])
        reach = words + self.gap * (words // 12 + 1)
        for i, (at, _, _, raw_begin) in enumerate(runs):
            if raw_begin < block.end:
                near = [
                    (first, size)
                    for (begin, first, size, _), document in zip(runs[i:], documents[i:], strict=True)
                    if begin + size <= at + max(reach, runs[i][2]) and document == documents[i]
                ]
                self.remember(index, item, "passage", near)

    def remember(self, index: Index, item: int, measure: str, runs: Sequence[tuple[int, int]]) -> None:
        """Keep how much of an item, its question and its answer runs (unit, length) cover, where it is the most."""
        low, high = int(index.bounds[item]), int(index.bounds[item + 1])
        question, answer = int(index.questions[item]), int(index.answers[item])
        covered = joined_runs(runs)
        amounts = [
            sum(
                int(index.counted[min(end, high_)] - index.counted[max(begin, low_)])
                for begin, end in covered
                if begin < high_ and end > low_
            )
            for low_, high_ in ((low, high), (question, answer), (answer, high))
        ]
        key = index.unit, item, measure
        best = self.found.longest.get(key, (0, 0, 0))
        self.found.longest[key] = tuple(map(max, zip(best, amounts, strict=True)))

    def take_characters(
        self, block: TextBlock, folded: Folded, index: Index, places: np.ndarray, runs: np.ndarray
    ) -> None:
        """Keep the runs of equal letters and digits that are the block's own, whole characters only."""
        begins = folded.raw_offsets(places[runs[:, 0]]).tolist()
        letters = folded.data.translate(None, b" ")
        for row, raw_begin in zip(runs.tolist(), begins, strict=True):
            if block.begin <= raw_begin < block.end:
                at, position, length = whole_characters(index, *row)
                if letters[at : at + length] == index.units[position : position + length].tobytes():
                    span = int(places[at]), int(places[at + length - 1]) + 1
                    self.keep(block, folded, index, span, position, length)

    def keep(
        self, block: TextBlock, folded: Folded, index: Index, span: tuple[int, int], position: int, length: int
    ) -> None:
        """Count a match, and remember it when it is one of the item's longest; `span`: its place in the folded text."""
        import numpy as np

        counted = int(index.counted[position + length] - index.counted[position])
        if counted < index.least:
            return
        item = int(index.bounds.searchsorted(position, "right")) - 1
        key = (index.unit, item)
        self.remember(index, item, "run", [(position, length)])
        self.found.places[key] += 1
        best = self.found.matches[key]
        if len(best) == SHOWN_MATCHES and (counted, length) < (best[-1].counted, best[-1].length):
            return
        begin, last = folded.raw_offsets(np.array([span[0], span[1] - 1])).tolist()
        place, low, high = block.locate(begin)
        end = character_end(block.raw, last)
        before = last_words(excerpt(block.raw[max(low, begin - 4 * SHOWN_CONTEXT) : begin]))
        after = first_words(excerpt(block.raw[end : min(high, end + 4 * SHOWN_CONTEXT)]))
        text = shortened_middle(excerpt(block.raw[begin:end]))
        best.append(Match(counted, length, position - int(index.bounds[item]), place, before, text, after))
        best.sort(key=lambda match: match.order)
        del best[SHOWN_MATCHES:]

    def scan_text(
        self, read: Callable[[int], bytes], name: str, base: int = 0, begin: int = 0, stop: int | None = None
    ) -> None:
        """Scan a text that is too long for the memory: from `begin` to `stop`, where `read` starts at `base`."""
        for raw, first, last, offset in text_blocks(read, base, begin, stop, self):
            locate = text_locator(name, raw, first, offset, self.found.lines)
            self.scan(TextBlock(raw, first, last, locate))
            self.found.lines += raw.count(b"\n", first, last)
            self.found.bytes += last - first

    def scan_documents(self, documents: Iterable[tuple[bytes, int, int]], name: str, kind: str) -> None:
        """Scan many documents: (text, number of its line or row, byte or -1). No match goes over two of them."""
        batch: list[tuple[bytes, int, int]] = []
        size = 0
        for document in documents:
            self.found.documents += 1
            if len(document[0]) > self.block:
                self.scan_long_document(document, name, kind)
                continue
            batch.append(document)
            size += len(document[0]) + 3
            if size >= self.block:
                self.scan_batch(batch, name, kind)
                batch, size = [], 0
        if batch:
            self.scan_batch(batch, name, kind)

    def scan_batch(self, batch: Sequence[tuple[bytes, int, int]], name: str, kind: str) -> None:
        """Scan some documents at once."""
        joint = b"\n" + SEPARATOR + b"\n"
        raw = joint.join([text.replace(SEPARATOR, b" ") for text, _, _ in batch])
        starts = [0]
        for text, _, _ in batch:
            starts.append(starts[-1] + len(text) + len(joint))

        def locate(offset: int) -> tuple[Place, int, int]:
            i = bisect.bisect_right(starts, offset) - 1
            return Place(name, batch[i][1], batch[i][2], kind), starts[i], starts[i + 1] - len(joint)

        self.scan(TextBlock(raw, 0, len(raw), locate))
        self.found.words -= len(batch) - 1  # the separators
        self.found.bytes += sum(len(text) for text, _, _ in batch)

    def scan_long_document(self, document: tuple[bytes, int, int], name: str, kind: str) -> None:
        """Scan one document in blocks."""
        text, number, byte = document
        for raw, first, last, _ in text_blocks(io.BytesIO(text).read, 0, 0, None, self):
            where = Place(name, number, byte, kind), 0, len(raw)
            self.scan(TextBlock(raw, first, last, lambda _, where=where: where))
            self.found.bytes += last - first


def joined_runs(runs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Runs (begin, length) as stretches (begin, end) that do not overlap."""
    found: list[tuple[int, int]] = []
    for begin, length in sorted(runs):
        if found and begin <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], begin + length)
        else:
            found.append((begin, begin + length))
    return found


def character_end(raw: bytes, last: int) -> int:
    """Where the character ends that begins at a place of a UTF-8 text."""
    end = last + 1
    while end < len(raw) and raw[end] & 0xC0 == 0x80:
        end += 1
    return end


def excerpt(raw: bytes) -> str:
    """A piece of foreign text on one line, without control characters and without halves of characters."""
    return single_line(raw.decode("utf-8", "ignore"))


def first_words(text: str) -> str:
    """The first words of a text, at most SHOWN_CONTEXT characters."""
    cut = text[:SHOWN_CONTEXT]
    return text if cut == text else cut.rpartition(" ")[0] or cut


def last_words(text: str) -> str:
    """The last words of a text, at most SHOWN_CONTEXT characters."""
    cut = text[-SHOWN_CONTEXT:]
    return text if cut == text else cut.partition(" ")[2] or cut


def shortened_middle(text: str) -> str:
    """A text with its middle left out when it is long."""
    half = SHOWN_TEXT // 2
    return text if len(text) <= SHOWN_TEXT else f"{text[:half].rstrip()} […] {text[-half:].lstrip()}"


def text_locator(name: str, raw: bytes, first: int, base: int, lines: int) -> Callable[[int], tuple[Place, int, int]]:
    """Places in a plain text by line and byte; `lines`: how many end before raw[first]."""

    def locate(offset: int) -> tuple[Place, int, int]:
        number = lines + raw.count(b"\n", first, offset) + 1
        return Place(name, number, base + offset, "line"), 0, len(raw)

    return locate


def text_blocks(
    read: Callable[[int], bytes], base: int, begin: int, stop: int | None, scanner: Scanner
) -> Iterator[tuple[bytes, int, int, int]]:
    """A long text as (bytes, begin and end of the block in them, offset of the first of them).

    A block begins and ends behind white space. In front of it is text enough to see whether a match began there, and
    behind it so much that no match can reach beyond: so each match is found whole, by the block in which it begins,
    wherever the text was cut. A range begins with the first block boundary at or behind `begin`.
    """
    buffer, more = b"", True

    def fill(size: int) -> bool:
        nonlocal buffer, more
        chunks, have = [buffer], len(buffer)
        while more and have < size:
            chunk = read(max(size - have, 2**16)).replace(SEPARATOR, b" ")
            more = bool(chunk)
            chunks.append(chunk)
            have += len(chunk)
        buffer = b"".join(chunks) if len(chunks) > 1 else buffer
        return have >= size

    def cut(at: int) -> int:
        """The first place at or behind one where a block may begin."""
        size = 4096
        while size <= NO_SPACE:
            filled = fill(at + size)
            if at == 0 or at >= len(buffer) or buffer[at - 1] in WHITE:
                return min(at, len(buffer))
            if space := SPACE.search(buffer, at, at + size):
                return space.end()
            if not filled:
                return len(buffer)
            size *= 4
        while at < len(buffer) and buffer[at] & 0xC0 == 0x80:
            at += 1
        return at

    begin = cut(begin - base)
    while stop is None or base + begin < stop:
        end = cut(begin + scanner.block if stop is None else min(begin + scanner.block, stop - base))
        if end <= begin:
            return
        ahead = scanner.ahead
        while fill(end + ahead) and ahead < AHEAD and not scanner.is_enough(buffer[end : end + ahead]):
            ahead *= 2
        yield buffer[: end + ahead], begin, end, base
        if end >= len(buffer):
            return
        dropped = max(0, end - BEHIND)
        buffer, base, begin = buffer[dropped:], base + dropped, end - dropped


def add_found(into: Found, part: Found, lines: int) -> None:
    """Add what a part has found; `lines`: of the same file before the part."""
    import numpy as np

    for key, matches in part.matches.items():
        moved = [
            match if not lines else replace(match, place=replace(match.place, number=match.place.number + lines))
            for match in matches
        ]
        into.matches[key] = sorted([*into.matches[key], *moved], key=lambda match: match.order)[:SHOWN_MATCHES]
    for key, amounts in part.longest.items():
        into.longest[key] = tuple(map(max, zip(into.longest.get(key, (0, 0, 0)), amounts, strict=True)))
    into.places.update(part.places)
    into.fields.update(part.fields)
    into.seen = [np.union1d(*pair) if len(pair) > 1 else pair[0] for pair in [into.seen + part.seen] if pair]
    for name in (
        "bytes",
        "documents",
        "lines",
        "words",
        "replaced",
        "garbled",
        "coded",
        "disguised",
        "rows",
        "unreadable",
        "without_text",
        "unread",
        "other_text",
        "media",
    ):
        setattr(into, name, getattr(into, name) + getattr(part, name))
    into.problems += [(file, number + lines, kind, why) for file, number, kind, why in part.problems]
    into.broken += part.broken


# --- parts/contamination/judging.py -----------------------------------------------------------------------------------

WHOLE_ITEM, QUESTION, ANSWER = "whole", "question", "answer"
PARTICULAR = 13  # words of an answer that are found alone
STOCK_WORDS, STOCK_PLACES = 13, 10  # a shorter run of several items at more places is a stock phrase


def judge_items(
    items: Sequence[BenchmarkItem],
    rules: Sequence[Rule],
    words: Index,
    characters: Index | None,
    found: Found,
    templates: Sequence[bool],
) -> list[Judged]:
    """Every item with what was found of it."""
    import numpy as np

    seen = np.zeros(len(words.informative), bool)
    for part in found.seen:
        seen[part] = True
    stock = stock_phrases(found)
    judged = []
    for i, item in enumerate(items):
        facts = {
            name: section_facts(i, name, words, characters, seen, found, bool(templates[i]))
            for name in ((WHOLE_ITEM, QUESTION, ANSWER) if item.answer or item.context else (WHOLE_ITEM,))
        }
        results = {rule.name: judged_parts(rule, facts, i in stock) for rule in rules}
        matches = [*found.matches.get(("words", i), ()), *found.matches.get(("characters", i), ())]
        counts = [found.places[unit, i] for unit in ("words", "characters")]
        status = {name: one for name, (one, _) in results.items()}
        parts = {name: part for name, (one, part) in results.items() if one == SUSPECT}
        judged.append(Judged(item, facts[WHOLE_ITEM], status, tuple(matches[:SHOWN_MATCHES]), max(counts), parts))
    return judged


def stock_phrases(found: Found) -> set[int]:
    """Items of which no more was found than a phrase that several of them share and that stands in many places."""
    many: dict[str, int] = {}
    best = {i: matches[0] for (unit, i), matches in found.matches.items() if unit == "words" and matches}
    short = {i: match.text.casefold() for i, match in best.items() if match.counted < STOCK_WORDS}
    for i, text in short.items():
        many[text] = max(many.get(text, 0), found.places["words", i])
    items: dict[str, int] = {}
    for text in short.values():
        items[text] = items.get(text, 0) + 1
    return {i for i, text in short.items() if items[text] > 1 and many[text] + items[text] > STOCK_PLACES}


def judged_parts(rule: Rule, facts: Mapping[str, Facts], stock: bool) -> tuple[str, str]:
    """(the rule's answer about an item, which part of it was found)

    The item is suspect when its whole is, or its question or its answer alone; it cannot be judged when none can.
    """
    answers = {name: item_status(rule, one) for name, one in facts.items()}
    found = [name for name, answer in answers.items() if answer == SUSPECT]
    found = [name for name in found if name != ANSWER or facts[name].counted >= PARTICULAR]
    if stock and not any(facts[name].longest >= facts[name].counted for name in found):
        found = []
    if found:
        answer = facts.get(ANSWER)
        beside = answer is not None and answer.counted and answer.passage >= max(1, least_share(rule, answer.counted))
        parts = [name for name in (QUESTION, ANSWER) if name in found or (name == ANSWER and beside)]
        return SUSPECT, " and ".join(parts) or WHOLE_ITEM
    return (TOO_SHORT if set(answers.values()) == {TOO_SHORT} else CLEAN), ""


def section_facts(
    i: int, name: str, words: Index, characters: Index | None, seen: np.ndarray, found: Found, template: bool
) -> Facts:
    """What was found of an item, its question or its answer."""
    place = (WHOLE_ITEM, QUESTION, ANSWER).index(name)
    low, high = section(words, i, name)
    informative = words.informative[low : max(low, high - words.window + 1 if place else high)]
    run, passage, letters_run = (
        found.longest.get(key, (0, 0, 0))[place]
        for key in (("words", i, "run"), ("words", i, "passage"), ("characters", i, "run"))
    )
    letters = 0
    if characters is not None:
        first, last = section(characters, i, name)
        letters = int(characters.counted[last] - characters.counted[first])
    return Facts(
        words=high - low,
        counted=int(words.counted[high] - words.counted[low]),
        longest=run,
        passage=max(run, passage),
        windows=int(informative.sum()),
        windows_found=int((informative & seen[low : low + len(informative)]).sum()),
        characters=letters,
        longest_characters=letters_run,
        template=template,
    )


def section(index: Index, i: int, name: str) -> tuple[int, int]:
    """Where an item, its question or its answer begins and ends in an index."""
    low, high, answer = int(index.bounds[i]), int(index.bounds[i + 1]), int(index.answers[i])
    return {WHOLE_ITEM: (low, high), QUESTION: (int(index.questions[i]), answer), ANSWER: (answer, high)}[name]


def item_status(rule: Rule, facts: Facts) -> str:
    """The rule's answer about a text; one that has less of its own than the rule needs cannot be judged."""
    if facts.template:
        if facts.counted < max(LONG_TEMPLATE, rule.length if rule.unit == "words" else 0):
            return TOO_SHORT
        return SUSPECT if facts.longest >= facts.counted else CLEAN
    if rule.measure == "windows":
        if facts.counted < rule.length or not facts.windows:
            return TOO_SHORT
        return SUSPECT if facts.windows_found >= least_share(rule, facts.windows) else CLEAN
    length = facts.counted if rule.unit == "words" else facts.characters
    longest = facts.passage if rule.measure == "passage" else facts.longest
    if rule.unit == "characters":
        longest = facts.longest_characters
    if length < rule.length:
        return TOO_SHORT
    return SUSPECT if longest >= max(rule.length, least_share(rule, length)) else CLEAN


def least_share(rule: Rule, whole: int) -> int:
    """The fewest parts of a whole that are the rule's share of it: 55 % of 100 are 55, though 0.55 * 100 is more."""
    return math.ceil(rule.share * whole - 1e-9)


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


# --- parts/contamination/files.py -------------------------------------------------------------------------------------

TEXT_SUFFIXES = (".txt", ".text", ".md", ".markdown", ".rst", ".tex", ".html", ".htm", ".xml", ".csv", ".tsv", ".py")
LINE_SUFFIXES = (".jsonl", ".ndjson", ".json")
# Texts beside the data, which alone are no training text: cards, side files, what begins with a dot.
BESIDE = re.compile(r"(?:^|/)(?:README\.md|\.[^/]+|\.(?:git|cache/huggingface)/.*|[^/]+\.json)$")
ZIP_INDEX, MOST_OF_END = b"PK\5\6", 2**16 + 22  # where an archive's index is, at its end: before its comment
MOST_SIDE = 2**26  # bytes of a side file, which is read at once
MEDIA = re.compile(
    rb"\x89PNG\r\n\x1a\n|\xff\xd8\xff|GIF8[79]a|RIFF.{4}(?:WEBP|WAVE)|\0\0\x01\0|ID3[\x02-\x04]|fLaC\0"
    rb"|\0\0.{2}ftyp|OggS\0|\0\0\0\x01Bud1|(?P<frames>\xff[\xe2-\xe7\xf2\xf3\xfa\xfb])",
    re.DOTALL,
)
LONGEST_FRAME = 1441  # bytes of an MP3's: each begins as the first does
MEDIA_NAME = re.compile(
    r"(?is).*\.(?:png|jpe?g|jfif|gif|webp|ico|wav|mp3|flac|mp4|m4[av]|mov|3gp|heic|avif|og[gav]|opus|DS_Store)"
)
GIT_STORE = re.compile(rb"\x78[\x01\x5e\x9c\xda]|PACK\0|\xfftOc\0|DIRC\0|RIDX\0|MIDX|CGPH|BITM")  # objects and indexes
TABLE_SUFFIXES = (".parquet", ".arrow")
PACKED_SUFFIXES = (".gz", ".zst", ".bz2", ".xz")
SPEAKERS = {"role", "from", "speaker"}  # keys of a chat message that are not its text, when they say one of these
CHAT_ROLES = {"user", "assistant", "system", "developer", "tool", "function", "human", "gpt", "model", "bot"}
NAME_TEXT = re.compile(r"(?!(?:\S*\s){4})[ -~]{0,64}|.{1,12}")  # of a field: too short for an item that is judged
BLANKS_OF_PIECES = str.maketrans("\u0120\u2581\u010a", "  \n")  # what tokenizers write for blanks and ends of lines
FEWEST_PIECES = 8  # letters or pieces of words in a list that may be a text
SHORT_BYTES = 40  # a hash, an identifier: no text of an item
FEWEST_NUMBERS, LEAST_LETTER = 16, 64  # whole numbers that may be a text: fewer or lower ones are labels, tags, masks
SIDE_JSON = re.compile(r"(?:dataset_infos?|dataset_dict|state|metadata)\.json")  # beside a data set's files


def zstandard() -> Any:
    """The module for .zst files: the standard library's, or its backport to older versions of Python."""
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd


def broken_errors() -> tuple[type[BaseException], ...]:
    """What reading a damaged file raises."""
    from pyarrow import ArrowException

    return (OSError, EOFError, RecursionError, zlib.error, lzma.LZMAError, zstandard().ZstdError, ArrowException)


class Streams:
    """The content of a .bz2 or .xz file to its very end: of all its streams, with zeros between and behind them.

    The readers of Python's library end without a word at what is no further stream, as at an .xz file's own padding;
    here it is an error. `unpacker` makes a stream's unpacker.
    """

    def __init__(self, source: BinaryIO, unpacker: Callable[[], Any]) -> None:
        self.source, self.unpacker, self.stream = source, unpacker, None

    def read1(self, most: int) -> bytes:
        """Some of the content, at most so many bytes; b"" at its end."""
        while True:
            if self.stream is None or self.stream.eof:
                packed = self.stream.unused_data if self.stream else b""
                while not packed.strip(b"\0") and (packed := self.source.read(io.DEFAULT_BUFFER_SIZE)):
                    pass
                packed = packed.lstrip(b"\0")
                if not packed and self.stream:
                    return b""
                self.stream = self.unpacker()
            else:
                packed = self.source.read(io.DEFAULT_BUFFER_SIZE) if self.stream.needs_input else b""
            if self.stream.needs_input and not packed:
                raise EOFError("it ends within a stream")
            if data := self.stream.decompress(packed, most):
                return data

    def close(self) -> None:
        self.source.close()


def open_packed(path: str, packed: str) -> IO[bytes]:
    """A file's content, unpacked within limits; ScriptError for what is no regular file."""
    if packed == ".zst":
        return open_inflated(path, zstandard().open)
    if packed in (".bz2", ".xz"):
        unpacker = bz2.BZ2Decompressor if packed == ".bz2" else lzma.LZMADecompressor
        return open_inflated(path, lambda source: Streams(source, unpacker))
    return open_inflated(path, gzip.open) if packed else open_input(path)


def file_kind(path: str) -> tuple[str, str] | None:
    """(kind, packed) by a file's name, or None for a name that says nothing."""
    stem, suffix = os.path.splitext(path.lower())
    packed = suffix if suffix in PACKED_SUFFIXES else ""
    suffix = os.path.splitext(stem)[1] if packed else suffix
    if suffix in LINE_SUFFIXES:
        return "lines", packed
    if suffix in TABLE_SUFFIXES and not packed:
        return suffix[1:], ""
    return ("text", packed) if suffix in TEXT_SUFFIXES else None


def is_side_file(name: str) -> bool:
    """Whether a JSON file describes a model, a data set or a run, and holds no text."""
    return bool(MODEL_JSON.fullmatch(name) or RECORD_NAME.fullmatch(name) or SIDE_JSON.fullmatch(name))


def whole_object(path: Path) -> bool:
    """Whether a file named .json is one object, or nothing that has rows: read as a text, whatever its name promises.

    Of one line it is a row, unless its name is that of a side file, which has none of the fields of the rows.
    """
    if path.suffix.lower() != ".json" or not path.stat().st_size:
        return False
    if is_side_file(path.name) and path.stat().st_size <= MOST_SIDE:
        with contextlib.suppress(ValueError):
            return isinstance(strict_json(input_bytes(path, MOST_SIDE)), dict)
    with open_input(path) as file:
        array = is_array(file)
    return not array and not any(isinstance(row, dict | str) for row in first_rows(str(path), "lines", ""))


def is_plain_text(path: Path) -> bool:
    """Whether a file begins as a text in UTF-8 that is no JSON."""
    with open_input(path) as file:
        begin = file.read(4096)
    try:
        codecs.getincrementaldecoder("utf-8")().decode(begin)
    except UnicodeDecodeError:
        return False
    return b"\0" not in begin and not begin.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"[", b"%PDF"))


def holds_no_text(path: Path) -> bool:
    """Whether a file is certainly no text, by its bytes: empty, what git keeps in `.git`, a picture or a sound by its
    name as well: a few bytes can stand before anything."""
    with open_input(path) as file:
        begin = file.read(2**16)
        file.seek(max(0, path.stat().st_size - MOST_OF_END))
        end = file.read(MOST_OF_END)
    if not begin or (MEDIA_NAME.fullmatch(path.name) and is_media(begin, end)):
        return True
    return ".git" in path.parts and bool(GIT_STORE.match(begin)) and not holds_readable(begin, end)


def is_media(begin: bytes, end: bytes) -> bool:
    """Whether the first and the last bytes are a picture's or a sound's, and of no archive or text behind it."""
    found = MEDIA.match(begin)
    if found and found["frames"] and max(map(len, begin.split(found[0]))) > LONGEST_FRAME:
        return False
    return bool(found) and ZIP_INDEX not in end and not holds_readable(begin, end)


def holds_readable(begin: bytes, end: bytes) -> bool:
    """Whether the first or the last bytes of something are text."""
    return is_readable(begin) or is_readable(end[-4096:])


def copies(paths: Sequence[Path], read: Sequence[Path]) -> set[Path]:
    """Those of some files that hold, byte for byte, what a file that is read holds: git's and the Hub's own copies."""
    sizes: dict[int, list[Path]] = {}
    for path in read:
        if path.is_file():
            sizes.setdefault(path.stat().st_size, []).append(path)
    same = partial(filecmp.cmp, shallow=False)
    return {path for path in paths if any(same(path, other) for other in sizes.get(path.stat().st_size, ()))}


def corpus_files(folder: Path) -> Iterator[Path]:
    """The files in a folder and its folders, in order, and the folders elsewhere that links in it lead to."""

    def fail(error: OSError) -> None:
        raise ScriptError(f"{error.filename}: {error.strerror}") from error

    for base, directories, names in os.walk(folder, onerror=fail):
        directories.sort()
        yield from (path for name in directories if not inside(path := Path(base, name), folder))
        yield from (Path(base, name) for name in sorted(names))  # a dead link is an error later


def first_rows(path: str, kind: str, packed: str, most: int = 20) -> list[Any]:
    """The first rows of a file of JSON lines, a JSON array or a table; what is no JSON is left out."""
    if kind in ("parquet", "arrow"):
        batches = table_batches(path, kind, None, 0, None, most)
        return next((batch_rows(batch.slice(0, most))[0] for _, batch in batches if batch.num_rows), [])
    rows = []
    with open_packed(path, packed) as file:
        if is_array(file):
            return json_array(path, file)[:most]
        for _, line in zip(range(most), input_lines(file, path), strict=False):
            with contextlib.suppress(ValueError):
                rows.append(json_of_line(line)[0])
    return rows


def is_array(file: IO[bytes]) -> bool:
    """Whether a file of JSON is one array, told from its beginning, which is not consumed."""
    begin = file.peek(4096).lstrip(b"\xef\xbb\xbf \t\r\n")  # type: ignore[attr-defined]
    return begin.startswith(b"[")


def json_array(path: str, file: IO[bytes]) -> list[Any]:
    """The rows of a JSON array, all in memory."""
    try:
        rows = strict_json(whole_content(file, path))
    except ValueError as error:
        raise ScriptError(f"{path}: not valid JSON: {single_line(error)[:200]}") from error
    return rows if isinstance(rows, list) else []


def json_of_line(line: bytes) -> tuple[Any, int]:
    """(a line's value, how many byte sequences were not UTF-8); ValueError when it is no JSON."""
    try:
        return strict_json_line(line, lenient=True), 0
    except UnicodeDecodeError:
        text = line.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
        return strict_json(text), text.count("\ufffd") - line.count(b"\xef\xbf\xbd")


def table_batches(
    path: str, kind: str, columns: Sequence[str] | None, start: int, stop: int | None, size: int = 1024
) -> Iterator[tuple[int, Any]]:
    """(number of the first row, batch) of a parquet file's row groups `start` to `stop`, or of an Arrow file.

    size: rows of a parquet file that are read at once.
    """
    if kind == "parquet":
        return parquet_batches(path, columns, start, stop, size)
    return arrow_batches(path, columns)


def batch_rows(batch: Any) -> tuple[list[Any], int]:
    """(the rows of a table's batch, how many byte sequences were not UTF-8); None for a row that cannot be read."""
    import pyarrow as pa

    try:
        return batch.to_pylist(), 0
    except UnicodeDecodeError:
        kinds = (pa.types.is_string, pa.types.is_large_string)
        textual = [any(is_(column.type) for is_ in kinds) for column in batch.columns]
        pairs = zip(textual, batch.columns, strict=True)
        columns = [column.cast(pa.large_binary()) if own else column for own, column in pairs]
    rows, replaced = [], 0
    for i in range(batch.num_rows):
        try:
            values = [column[i].as_py() for column in columns]
        except UnicodeDecodeError:  # in a list or an object
            rows.append(None)
            continue
        pairs = zip(textual, values, strict=True)
        decoded = [without_errors(value) if own and value is not None else (value, 0) for own, value in pairs]
        replaced += sum(bad for _, bad in decoded)
        pairs = zip(textual, (value for value, _ in decoded), strict=True)
        texts_of_row = [value.decode() if own and value is not None else value for own, value in pairs]
        rows.append(dict(zip(batch.schema.names, texts_of_row, strict=True)))
    return rows, replaced


def texts(value: Any) -> list[str]:
    """The texts in a value of JSON: of a list, of a chat's messages, of an answer with its variants."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for key, inner in value.items() if key not in SPEAKERS for text in texts(inner)]
    return [text for inner in value for text in texts(inner)] if isinstance(value, list) else []


def check_text_fields(rows: Sequence[Any], wanted: Sequence[str], where: str) -> None:
    """ScriptError when the first rows of a file are no rows, or when none of them has a field that was named."""
    named = {name for row in rows if isinstance(row, dict) for name in row}
    if not named and not (rows and all(isinstance(row, str) for row in rows)):
        raise ScriptError(f"{where}: no JSON objects in its first lines; is it JSON lines?")
    missing = [name for name in wanted if name not in named]
    if missing and named:
        raise ScriptError(f"{where}: no field {missing[0]!r}; there are: {listing(sorted(named), 20)}")


def training_texts(value: Any) -> list[str]:
    """All texts in a value of a training row: also keys that are no names, pairs of maps, bytes, letters in a list.

    [{"role": "user", "content": "Why?"}] -> ["Why?"]; [("Why?", b"So.")] -> ["Why?", "So."]
    """
    if isinstance(value, str):
        return [value]
    if isinstance(value, bytes):
        text = text_of_bytes(value)
        return [] if text is None else [text]
    if isinstance(value, dict):
        found = [key for key in value if not NAME_TEXT.fullmatch(key)]
        for key, inner in value.items():
            if not (key in SPEAKERS and isinstance(inner, str) and inner.lower() in CHAT_ROLES):
                found += training_texts(inner)
        return joined_pieces(found)
    return (
        joined_pieces([t for inner in value for t in training_texts(inner)]) if isinstance(value, list | tuple) else []
    )


def joined_pieces(found: list[str]) -> list[str]:
    """Letters, or pieces of words that carry their blanks, as the one text that they are: "W", "h", "y" -> "Why"."""
    if len(found) < FEWEST_PIECES:
        return found
    letters = sum(map(len, found)) <= 2 * len(found)
    pieces = letters or sum(piece[:1] in "\u0120\u2581 " for piece in found) > len(found) / 4
    return ["".join(found).translate(BLANKS_OF_PIECES)] if pieces else found


def text_of_bytes(value: bytes) -> str | None:
    """The text that some bytes are in UTF-8, or None."""
    try:
        return None if CONTROL_BYTES.search(value) else value.decode()
    except UnicodeDecodeError:
        return None


def holds_more(value: Any) -> bool:
    """Whether a value without text holds something all the same: text as numbers of tokens, bytes, rows in rows."""
    if isinstance(value, dict):
        return any(map(holds_more, value.values()))
    return bool(value) and isinstance(value, list | bytes)


def holds_hidden(value: Any) -> tuple[bool, int]:
    """(whether a value may hold a text that is not read, bytes of the pictures and sounds in it).

    As bytes, or as whole numbers in lists: those of tokens or of letters. Numbers that only rise are places or times.
    """
    unread: list[bytes] = []
    numbers: dict[tuple[str, ...], list[int]] = {}
    pending: list[tuple[Any, tuple[str, ...], bool]] = [(value, (), False)]
    while pending:
        one, path, many = pending.pop()
        if isinstance(one, dict):
            pending += [(inner, (*path, key), many) for key, inner in one.items()]
        elif isinstance(one, list | tuple):
            pending += [(inner, path, True) for inner in reversed(one)]
        elif isinstance(one, bytes) and text_of_bytes(one) is None:
            unread.append(one)
        elif many and not isinstance(one, bool) and isinstance(one, int | float) and one == one // 1:
            numbers.setdefault(path, []).append(int(one))
    media = [piece for piece in unread if is_media(piece[: 2**16], piece[-MOST_OF_END:])]
    size = sum(map(len, media))
    hidden = sum(map(len, unread)) - size >= SHORT_BYTES
    return hidden or any(map(may_be_letters, numbers.values())), size


def may_be_letters(numbers: Sequence[int]) -> bool:
    """Whether whole numbers may be those of tokens or letters."""
    if len(numbers) < FEWEST_NUMBERS or max(numbers) < LEAST_LETTER or len(set(numbers)) < FEWEST_PIECES // 2:
        return False
    return any(left > right for left, right in itertools.pairwise(numbers))


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


# --- parts/statistics/bounded.py --------------------------------------------------------------------------------------

# Right or wrong ones up to which Wilson's end may be too near: counted ones, and those of an estimated variance.
FEW_COUNTED, FEW_ESTIMATED = 3.5, 1.5
WILSON_ALONE = 49.5  # items below which a single score has Wilson's interval as it is
NO_VARIANCE = 1e-12
LEAST_LEVEL = 1e-40  # below, the quantile of a Beta distribution is no longer found


@dataclass(frozen=True, slots=True)
class BoundedMean:
    """A mean on a range of 0 to 1, and what tells how far off it may be.

    factor: its variance as a share of value (1 - value). widest: the factor if all scores were 0 or 1 and those of one
    cluster alike. freedom: degrees of freedom of the variance; infinite for independent 0/1 scores, which need none.
    """

    value: Any
    factor: Any
    widest: Any
    freedom: Any = math.inf

    @property
    def variance(self) -> Any:
        """The variance of the mean."""
        return self.factor * self.value * (1 - self.value)

    def mirrored(self) -> BoundedMean:
        """The mean of 1 - score."""
        return BoundedMean(1 - self.value, self.factor, self.widest, self.freedom)

    def lower(self, critical: Any, strict: bool = False) -> Any:
        """The lower end at a critical value of the t (or normal) distribution.

        Wilson's; where few are right that of Clopper and Pearson at the same level, if it is lower (Brown, Cai and
        DasGupta 2001 correct Wilson's there, too). strict: for one-sided tests, also where few are wrong or in all.
        """
        import numpy as np
        from scipy import special

        n, square = 1 / np.maximum(self.factor, NO_VARIANCE), critical * critical
        right, wrong = n * self.value, n * (1 - self.value)
        low = (right + square / 2 - critical * np.sqrt(right * wrong / n + square / 4)) / (n + square)
        counted = FEW_COUNTED if strict else np.where(n < WILSON_ALONE, -1.0, FEW_COUNTED)
        most = np.where(np.isinf(self.freedom), counted, FEW_ESTIMATED)
        few = np.asarray((np.minimum(right, wrong) if strict else right) <= most)
        if few.any():  # only there: it takes a hundred times as long as Wilson's
            level = np.maximum(special.ndtr(-critical), LEAST_LEVEL)
            exact = np.full(np.shape(low), np.inf)
            special.betaincinv(np.maximum(right, NO_VARIANCE), wrong + 1, level, out=exact, where=few)
            low = np.minimum(low, exact)
        return np.maximum(low, 0.0)

    def upper(self, critical: Any, strict: bool = False) -> Any:
        """The upper end; see `lower`."""
        return 1 - self.mirrored().lower(critical, strict)

    def interval(self, confidence: float = CONFIDENCE) -> tuple[Any, Any]:
        """The two-sided interval."""
        critical = critical_value((1 - confidence) / 2, self.freedom)
        return self.lower(critical), self.upper(critical)


def critical_value(level: float, freedom: Any = math.inf) -> Any:
    """What a t variable (a normal one, for infinitely many degrees of freedom) exceeds with the probability `level`."""
    import numpy as np
    from scipy import special

    normal = np.isinf(freedom)
    return 0.0 - np.where(normal, special.ndtri(level), special.stdtrit(np.where(normal, 1.0, freedom), level))


def variance_of_mean(scores: Any, groups: Any = None) -> Any:
    """The variance of the mean of (..., items) scores, drawn in groups, without the factor G / (G - 1)."""
    import numpy as np

    off = scores - scores.mean(-1, keepdims=True)
    if groups is not None:
        order = np.argsort(groups, kind="stable")
        off = np.add.reduceat(off[..., order], np.flatnonzero(np.diff(groups[order], prepend=-1)), axis=-1)
    return (off**2).sum(-1) / scores.shape[-1] ** 2


def several_ways(groups: Iterable[Any]) -> list[Any]:
    """The groupings in which something is shared, as numbers from 0; [None] where each score stands alone."""
    import numpy as np

    found = [np.unique(group, return_inverse=True)[1] for group in groups if group is not None]
    return [group for group in found if group.max() + 1 < len(group)] or [None]


def two_way_variance(scores: Any, ways: Sequence[Any]) -> Any:
    """The variance of a mean of scores that share items and raters (Cameron, Gelbach and Miller 2011).

    The variances of all ways of grouping less that of single scores, and never below the largest of them; each with the
    factor G / (G - 1) for G groups.
    """
    import numpy as np

    n = scores.shape[-1]

    def one(group: Any) -> Any:
        count = n if group is None else int(group.max()) + 1
        return variance_of_mean(scores, group) * count / (count - 1)

    parts = [one(group) for group in ways]
    return parts[0] if len(parts) == 1 else np.maximum(sum(parts) - one(None), np.max(parts, axis=0))


def mean_of(scores: Any, groups: Sequence[Any] = (), cautious: bool = False) -> BoundedMean:
    """The mean of (..., items) scores between 0 and 1. groups: for each way of sharing, a number for every item.

    cautious: for means near 0 of many tiny scores and a few large ones, of which the large ones may not have been met.
    """
    import numpy as np

    ways, n, value = several_ways(groups), scores.shape[-1], scores.mean(-1)
    if ways[0] is None and ((scores == 0) | (scores == 1)).all():
        return BoundedMean(value, np.full_like(value, 1 / n), 1 / n)
    widest = min(1 / n if group is None else float((np.bincount(group) ** 2.0).sum()) / n**2 for group in ways)
    fewest = min(n if group is None else int(group.max()) + 1 for group in ways)
    if fewest < 2:
        return BoundedMean(value, np.full_like(value, widest), widest, 1)
    return steadied(value, two_way_variance(scores, ways) * (fewest - 1) / fewest, widest, fewest - 1, cautious)


def steadied(value: Any, variance: Any, widest: Any, freedom: Any, cautious: bool = False) -> BoundedMean:
    """The mean of an estimated variance: weighted by how many bad (or good) ones were seen, with one that is widest."""
    import numpy as np

    most = value * (1 - value)
    known = (most > NO_VARIANCE) & (variance > NO_VARIANCE * most)  # scores that are all alike tell nothing
    factor = np.where(known, variance / np.maximum(most, NO_VARIANCE), widest)
    seen = np.minimum(value, 1 - value) / np.maximum(widest if cautious else factor, NO_VARIANCE)
    return BoundedMean(value, (seen * factor + widest) / (seen + 1), widest, freedom)


def mean_from_error(value: float, error: float, n: int | None, freedom: float = math.inf) -> BoundedMean | None:
    """The mean of a score that has only a standard error; None where that is 0 and the number of items unknown.

    freedom: the error's degrees of freedom.
    """
    if not n and not error:
        return None
    widest = 1 / n if n else min(1.0, error**2 / max(value * (1 - value), NO_VARIANCE))
    if error and n and abs(error**2 * (n - 1) / max(value * (1 - value), NO_VARIANCE) - 1) < 0.02:
        return BoundedMean(value, widest, widest, freedom)  # of answers that are right or wrong
    return steadied(value, error**2, widest, freedom)


def mean_of_means(parts: Sequence[tuple[float, BoundedMean]]) -> BoundedMean:
    """The weighted mean of independent means (weights that add up to 1); degrees of freedom by Satterthwaite."""
    import numpy as np

    if len(parts) == 1:
        return parts[0][1]
    value = sum(weight * part.value for weight, part in parts)
    variances = [weight**2 * part.variance for weight, part in parts]
    widest = [weight**2 * part.factor for weight, part in parts]
    own, all_alike = sum(variances), sum(widest)
    freedoms = [part.freedom for _, part in parts]
    # Where every part is at an end of the range there is no variance: then by what it could be.
    freedom = np.where(own > NO_VARIANCE**2, satterthwaite(variances, freedoms), satterthwaite(widest, freedoms))
    return steadied(value, own, all_alike, freedom)


def sharing_error(scores: Any, groups: Sequence[Any] = ()) -> float:
    """The standard error of the mean of (items,) scores that may share clusters and raters.

    Liang and Zeger 1986, as for the mean in Miller 2024 (arXiv 2411.00640); of single items it is sd / sqrt(n).
    """
    return math.sqrt(float(two_way_variance(scores, several_ways(groups))))


def score_interval(
    scores: Any, groups: Sequence[Any] = (), low: float | None = 0.0, high: float | None = 1.0
) -> tuple[float, float, str] | None:
    """(low, high, method) of the mean of (items,) scores with 95 %, whatever their range is and whatever they share.

    Student's t where the range is open. None where fewer than two things are there that could differ.
    """
    ways, n = several_ways(groups), len(scores)
    counts = cluster_counts(ways, n)
    shared = shared_text(counts, n)
    if min(counts) < 2 and (n != 1 or set(scores) - {low, high}):
        return None
    if low is not None and high is not None:
        mean = mean_of((scores - low) / (high - low), ways)
        ends = [low + (high - low) * float(end) for end in mean.interval()]
        return *ends, method_of_mean(mean) + shared
    half = float(critical_value((1 - CONFIDENCE) / 2, min(counts) - 1)) * sharing_error(scores, ways)
    return float(scores.mean()) - half, float(scores.mean()) + half, f"Student t{shared}"


def method_of_mean(mean: BoundedMean) -> str:
    """What its interval is called."""
    return "Wilson" if math.isinf(mean.freedom) else "Wilson on the effective number of items, t"


def cluster_counts(groups: Iterable[Any], n: int) -> list[int]:
    """How many clusters n items are in, for each way in which they share anything; n where each stands alone."""
    return [n if way is None else int(way.max()) + 1 for way in several_ways(groups)]


def shared_text(counts: Sequence[int], n: int) -> str:
    """The counts of clusters in words: ", 40 x 3 clusters"; nothing where each item stands alone."""
    return f", {' x '.join(map(str, counts))} clusters" if min(counts) < n or len(counts) > 1 else ""


def satterthwaite(variances: Sequence[Any], freedoms: Sequence[Any]) -> Any:
    """Degrees of freedom of a sum of independent variances."""
    import numpy as np

    total = sum(variances)
    below = sum(variance**2 / freedom for variance, freedom in zip(variances, freedoms, strict=True))
    return np.where(below > 0, total**2 / np.where(below > 0, below, 1.0), math.inf)


# --- parts/statistics/crossed.py --------------------------------------------------------------------------------------

CARRIED_BY, SINGLE_CARRIED_BY = 8, 16  # groups and single values, or half of all, that Student's t needs to rest on
FEW_GROUPS = 8  # with fewer, their skewness is noise
MOST_SKEWED = 0.8  # skewness of a mean
MOST_CORRECTED = 3.0  # critical value up to which skewness is corrected: the expansion is of values about 2


def group_sums(values: Any, group: Any) -> Any:
    """(..., groups) sums."""
    import numpy as np

    order = np.argsort(group, kind="stable")
    return np.add.reduceat(values[..., order], np.flatnonzero(np.diff(group[order], prepend=-1)), axis=-1)


def carry_the_mean(values: Any, ways: Sequence[Any]) -> Any:
    """(...,) whether enough groups of each way, and single values, carry the mean, and what is off it.

    By the participation number of the absolute values, (sum)^2 / sum of squares: as many equal ones would carry as
    much. A few changed items do not, nor one rater who alone tells any difference, nor one value unlike all others.
    """
    import numpy as np

    enough = True
    for sizes in (np.abs(values), np.abs(values - values.mean(-1, keepdims=True))):
        for sums, least in [(sizes, SINGLE_CARRIED_BY), *((group_sums(sizes, way), CARRIED_BY) for way in ways)]:
            number = sums.sum(-1) ** 2 / np.maximum((sums**2).sum(-1), 1e-300)
            enough = enough & (number >= min(least, sums.shape[-1] / 2))
    return enough


def shared_variance(values: Any, ways: Sequence[Any]) -> tuple[Any, Any]:
    """(variance of the mean, its degrees of freedom) of values that share groups in one or two ways.

    One way: between the groups' sums. Two: the components of value = mean + item + rater + rest by the method of
    moments (Gao and Owen 2017, arXiv 1602.00346), whatever cells are missing or given twice; of a full table they are
    those of the analysis of variance, (MS_rater + MS_item - MS_rest) / n, with degrees of freedom by Satterthwaite. It
    is never below what the rest alone makes of it.
    """
    import numpy as np

    n = values.shape[-1]
    off = values - values.mean(-1, keepdims=True)
    counts, sums = [np.bincount(way) for way in ways], [group_sums(off, way) for way in ways]
    weights = [float(((count / n) ** 2).sum()) for count in counts]  # 1 / how many equal groups they are worth
    free = [1 / weight - 1 for weight in weights]
    if len(ways) == 1:
        groups = len(counts[0])
        return (sums[0] ** 2).sum(-1) / n**2 * groups / (groups - 1), free[0]
    whole = (off**2).sum(-1)
    within = [whole - (own**2 / count).sum(-1) for own, count in zip(sums, counts, strict=True)]
    _, first, cells = np.unique(np.stack(ways), axis=1, return_index=True, return_counts=True)
    met = [n - float((cells**2 / count[way[first]]).sum()) for way, count in zip(ways, counts, strict=True)]
    expected = np.array([
        [0, met[0], n - len(counts[0])],
        [met[1], 0, n - len(counts[1])],
        [n * (1 - weights[0]), n * (1 - weights[1]), n - 1],
    ])  # fmt: skip
    found = np.stack([*within, whole], -1) @ np.linalg.pinv(expected).T
    rest = np.maximum(found[..., 2], 0) / n
    parts = [np.maximum(found[..., i] * weights[i] + rest, 0) for i in (0, 1)]
    variance = np.maximum(parts[0] + parts[1] - rest, rest)
    below = parts[0] ** 2 / free[0] + parts[1] ** 2 / free[1] + rest**2 / (free[0] * free[1])
    freedom = np.where(below > 0, variance**2 / np.where(below > 0, below, 1.0), 0.0)
    return variance, np.maximum(freedom, min(free))


def skewness_of_mean(values: Any, ways: Sequence[Any], variance: Any) -> Any:
    """(...,) the skewness of the mean, from third moments that add up over ways as the variances do."""
    import numpy as np

    off = values - values.mean(-1, keepdims=True)
    known = [group_sums(off, way) for way in ways if way.max() + 1 >= FEW_GROUPS]
    third = sum((sums**3).sum(-1) for sums in known) - max(len(known) - 1, 0) * (off**3).sum(-1)
    scale = values.shape[-1] ** 3 * np.maximum(variance, 1e-100) ** 1.5
    return np.clip(third / scale, -MOST_SKEWED, MOST_SKEWED)


def without_skewness(critical: Any, skewness: float) -> Any:
    """The value of (mean - truth) / error that a critical value of t stands for (the inverse of Hall's function).

    Larger critical values (of few raters, or of one test among many) keep the correction of MOST_CORRECTED: further out
    the cube root runs away, to an end that is many times as far off as the other one.
    """
    import numpy as np

    if abs(skewness) < 1e-6:
        return critical
    near = np.clip(critical, -MOST_CORRECTED, MOST_CORRECTED)
    return 3 / skewness * (np.cbrt(1 + skewness * (near - skewness / 6)) - 1) + (critical - near)


# --- parts/statistics/differences.py ----------------------------------------------------------------------------------

MOST_ITEMS = 2**34
MOST_CRITICAL = 1e3  # t with one degree of freedom exceeds it once in 3,000 times


class Evidence:
    """What some data say about a true difference."""

    freedom: Any = math.inf

    def low_end(self, critical: Any) -> Any:
        """The lower bound at a critical value of t with `freedom` degrees of freedom; falls with it."""
        raise NotImplementedError

    def mirrored(self) -> Evidence:
        """The same data with the two sides exchanged."""
        raise NotImplementedError

    def planned(self, times: float, unchanged: bool) -> tuple[Evidence, float]:
        """(what `times` as many items would say on average, the standard deviation of that difference).

        unchanged: if both sides are equally good and differ on as many items; else if it is as it was observed.
        """
        raise NotImplementedError

    def lower(self, level: float) -> Any:
        """The lower bound that is one-sided at `level`."""
        return self.low_end(critical_value(level, self.freedom))

    def upper(self, level: float) -> Any:
        """The upper bound that is one-sided at `level`."""
        return 0.0 - self.mirrored().lower(level)

    def interval(self, level: float) -> tuple[Any, Any]:
        """The two-sided interval with the coverage 1 - `level`."""
        return self.lower(level / 2), self.upper(level / 2)

    def p_above(self, value: float) -> float:
        """One-sided p-value of "the difference is at most `value`": the level whose lower bound it is."""
        if self.low_end(0.0) > value:
            return upper_tail(reached(self.low_end, value), self.freedom)
        return 1 - self.mirrored().p_above(-value) if self.mirrored().low_end(0.0) > -value else 0.5

    def p_below(self, value: float) -> float:
        """One-sided p-value of "the difference is at least `value`"."""
        return self.mirrored().p_above(-value)


def reached(low_end: Any, value: float) -> float:
    """The critical value at which a falling bound is no longer above `value`: where it stays at it, the smallest."""
    import numpy as np

    value += 1e-12 * max(1.0, abs(value))
    if low_end(0.0) <= value:
        return 0.0
    if low_end(MOST_CRITICAL) > value:
        return MOST_CRITICAL
    low, high = 0.0, MOST_CRITICAL
    while high - low > 1e-12:  # a hundredth in each round: scipy's root finders take half a second to import
        ends = np.linspace(low, high, 101)
        first = 1 + int(np.argmin(np.append(low_end(ends[1:-1]) > value, False)))
        low, high = float(ends[first - 1]), float(ends[first])
    return (low + high) / 2


def upper_tail(critical: float, freedom: float) -> float:
    """P(T > critical) for t with some degrees of freedom, or for a normal variable."""
    from scipy import special

    return float(special.ndtr(-critical) if math.isinf(freedom) else special.stdtr(freedom, -critical))


def two_sided_p(evidence: Evidence) -> float:
    """The two-sided p-value of "there is no difference"."""
    return min(1.0, 2 * min(evidence.p_above(0.0), evidence.p_below(0.0)))


@dataclass(frozen=True, slots=True)
class Difference(Evidence):
    """The difference of two bounded means: gains and losses of paired items, or two models' scores.

    correlation: of the two means. span: the width of the scores' range. extra: a variance beside that of the items,
    as a share of span squared (between repeated runs). freedom: degrees of freedom of the whole.
    """

    up: BoundedMean
    down: BoundedMean
    correlation: Any = 0.0
    span: float = 1.0
    extra: float = 0.0
    freedom: Any = math.inf

    def low_end(self, critical: Any) -> Any:
        """See Evidence."""
        import numpy as np

        gain = self.up.value - self.up.lower(critical, strict=True)
        loss = self.down.upper(critical, strict=True) - self.down.value
        square = gain**2 + loss**2 - 2 * self.correlation * gain * loss + self.extra * critical**2
        return self.span * (self.up.value - self.down.value - np.sqrt(square))

    def mirrored(self) -> Difference:
        """See Evidence."""
        return replace(self, up=self.down, down=self.up)

    def planned(self, times: float, unchanged: bool) -> tuple[Difference, float]:
        """See Evidence."""
        middle = (self.up.value + self.down.value) / 2
        up, down = (
            replace(
                mean, value=middle if unchanged else mean.value, factor=mean.factor / times, widest=mean.widest / times
            )
            for mean in (self.up, self.down)
        )
        variance = up.variance + down.variance - 2 * self.correlation * math.sqrt(up.variance * down.variance)
        return replace(self, up=up, down=down), self.span * math.sqrt(variance + self.extra)


@dataclass(frozen=True, slots=True)
class Student(Evidence):
    """A difference with an error: Student's t, or normal for infinitely many degrees of freedom.

    skewness: of the mean. span: the width of the scores' range. slack: of the mean, beside its error (continuity).
    fixed: the variance that more items (and raters, clusters) leave as it is, that between repeated runs.
    """

    mean: float
    error: float
    freedom: float = math.inf
    skewness: float = 0.0
    span: float = math.inf
    slack: float = 0.0
    fixed: float = 0.0

    def low_end(self, critical: Any) -> Any:
        """See Evidence."""
        import numpy as np

        return np.maximum(self.mean - self.slack - self.error * without_skewness(critical, self.skewness), -self.span)

    def mirrored(self) -> Student:
        """See Evidence."""
        return replace(self, mean=-self.mean, skewness=-self.skewness)

    def planned(self, times: float, unchanged: bool) -> tuple[Student, float]:
        """See Evidence."""
        error = math.sqrt((self.error**2 - self.fixed) / times + self.fixed)
        then = replace(self, error=error, skewness=self.skewness / math.sqrt(times), slack=self.slack / times)
        freedom = self.freedom if self.fixed else max(self.freedom * times, 1.0)
        return replace(then, mean=0.0 if unchanged else self.mean, freedom=freedom), error


def items_needed(
    evidence: Evidence, n: int, limit: float, level: float, power: float, unchanged: bool = False
) -> int | None:
    """How many items show, with this power, that the difference is above `limit`; `n` are there. None: no number does.

    The bound that they would have on average must lie above the limit by what the power wants (a normal quantile of
    standard deviations); simulated in the tests.
    """
    reserve = float(critical_value(1 - power))

    def short(times: float) -> bool:
        then, deviation = evidence.planned(times, unchanged)
        return float(then.lower(level)) - reserve * deviation < limit

    most = 1
    while short(most / n):
        most *= 2
        if most > MOST_ITEMS:
            return None
    least = most // 2
    while most - least > 1:
        middle = (least + most) // 2
        least, most = (middle, most) if short(middle / n) else (least, middle)
    return most


def paired_difference(
    differences: Any, groups: Sequence[Any] = (), span: float | None = 1.0, runs: tuple[float, float] = (0.0, math.inf)
) -> Evidence:
    """The evidence in (..., items) differences of paired items, (items,) where they share something by `groups`.

    span: the width of the scores' range; None for none. runs: the variance between repeated runs that is added to that
    of the items, and its degrees of freedom.
    """
    import numpy as np

    ways = several_ways(groups)
    if span is None or rests_on_many(differences / span, ways):
        skewness = 0.0
        if span is None:
            fewest = min(differences.shape[-1] if way is None else int(way.max()) + 1 for way in ways)
            variance, freedom = two_way_variance(differences, ways), fewest - 1
        else:
            variance, freedom = shared_variance(differences, ways)
            skewness = float(skewness_of_mean(differences, ways, variance + runs[0]))
        freedom = float(satterthwaite((variance, runs[0]), (freedom, runs[1])))
        error = math.sqrt(variance + runs[0])
        width = math.inf if span is None else span
        return Student(float(differences.mean()), error, freedom, skewness, width, fixed=runs[0])
    differences = differences / span
    gains, losses = np.maximum(differences, 0.0), np.maximum(-differences, 0.0)
    up, down = mean_of(gains, ways, cautious=True), mean_of(losses, ways, cautious=True)
    of_gains, of_losses, whole = (variance_of_mean(values, ways[0]) for values in (gains, losses, differences))
    correlation = (of_gains + of_losses - whole) / 2 / np.sqrt(np.maximum(of_gains * of_losses, 1e-30))
    extra, freedom = runs[0] / span**2, min(up.freedom, down.freedom)
    if extra:
        freedom = float(satterthwaite((whole, extra), (freedom, runs[1])))
    return Difference(up, down, np.clip(correlation, -1.0, 0.0), span, extra, freedom)


def rests_on_many(differences: Any, ways: Sequence[Any]) -> bool:
    """Whether differences, as shares of the span, are of raters and items, or of right and wrong answers in clusters,
    and so many carry their mean that nothing much larger, or rarer, needs to be allowed for."""
    import numpy as np

    if ways[0] is None or (len(ways) == 1 and not np.isin(np.abs(differences), (0, 1)).all()):
        return False
    return bool(carry_the_mean(differences, ways).all())


def unpaired_difference(baseline: BoundedMean, candidate: BoundedMean, span: float = 1.0) -> Difference:
    """The evidence in the scores of two sides that share nothing that is known; each as a share of the span."""
    freedom = satterthwaite((baseline.variance, candidate.variance), (baseline.freedom, candidate.freedom))
    return Difference(candidate, baseline, span=span, freedom=float(freedom))


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


# --- parts/contamination/scores.py ------------------------------------------------------------------------------------

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Group:
    """Scores of items of one kind, what they share, and the range that a score can have (None: open)."""

    values: np.ndarray
    clusters: np.ndarray | None
    low: float | None
    high: float | None

    @property
    def ways(self) -> list[np.ndarray]:
        """How the items are grouped, as parts/statistics/bounded.py wants it."""
        return [] if self.clusters is None else [self.clusters]

    @property
    def span(self) -> float | None:
        """The width of the range."""
        return None if self.low is None or self.high is None else self.high - self.low


def mean_interval(group: Group) -> Mean:
    """The mean with its 95 % interval; without one where too little is known."""
    mean = float(group.values.mean())
    found = score_interval(group.values, group.ways, group.low, group.high)
    return Mean(mean, *found[:2]) if found else Mean(mean, None, None)


def difference_of_means(suspect: Group, clean: Group) -> tuple[Mean, str]:
    """(mean of the suspect items less that of the clean ones with its interval, the method)

    Newcombe's hybrid of the two intervals (Statist. Med. 17:873, method 10; Zou and Donner 2008), which holds for few
    items and for groups without spread; Welch's where a score has no bounds, of clusters where items share them.
    """
    value = float(suspect.values.mean() - clean.values.mean())
    if suspect.span and suspect.low is not None:
        means = [mean_of((group.values - group.low) / group.span, group.ways) for group in (clean, suspect)]
        low, high = unpaired_difference(*means, span=suspect.span).interval(1 - LEVEL)
        return Mean(value, float(low), float(high)), "Newcombe"
    if min(len(set(group.values.tolist())) for group in (suspect, clean)) == 1:
        return Mean(value, None, None), "none: no spread in one group, and no bounds are known"
    counts = [cluster_counts(group.ways, len(group.values))[0] for group in (suspect, clean)]
    if min(counts) < 2:
        return Mean(value, None, None), "none: all items of one group are in one cluster, and no bounds are known"
    variances = [float(two_way_variance(group.values, several_ways(group.ways))) for group in (suspect, clean)]
    freedom = satterthwaite(variances, [count - 1 for count in counts])
    half = float(critical_value((1 - LEVEL) / 2, freedom)) * math.sqrt(sum(variances))
    return Mean(value, value - half, value + half), "Welch"


@dataclass(frozen=True, slots=True)
class Measured:
    """One result of a record with the mean score of each of its items; `why` it cannot be split, or nothing.

    items: (task, sample_id, sample_hash) -> score, which is on the result's scale when multiplied by `scale`. texts,
    clusters: of the same keys. unscored: the items without a score. low, high: the least and most of an item.
    """

    model: str
    task: str
    result_id: str
    record: str
    score: float
    items: Mapping[tuple[str, str, str | None], float]
    scale: float
    unscored: int
    why: str
    lower_is_better: bool = False
    low: float | None = 0.0
    high: float | None = 1.0
    texts: Mapping[tuple[str, str, str | None], str] = field(default_factory=dict)
    clusters: Mapping[tuple[str, str, str | None], str] = field(default_factory=dict)


@functools.lru_cache(maxsize=200_000)
def folded_text(text: str) -> bytes:
    """A text as it is compared: its words alone."""
    return b" ".join(Folded(without_markup(text.encode("utf-8", "replace"))).data.split())


class Join:
    """Finds the item that a sample is about: by its text, and by task and sample_id where the texts agree."""

    def __init__(self, items: Sequence[Judged], tasks: Iterable[str]) -> None:
        self.by_task: dict[tuple[str, str], list[Judged]] = defaultdict(list)
        self.by_id: dict[str, list[Judged]] = defaultdict(list)
        self.by_text: dict[bytes, list[Judged]] = defaultdict(list)
        self.texts: dict[int, tuple[bytes, bytes]] = {}
        for one in items:
            self.by_task[normalize_name(one.item.task), one.item.sample_id].append(one)
            self.by_id[one.item.sample_id].append(one)
            question = folded_text(one.item.text)
            whole = folded_text(f"{one.item.context}\n{one.item.text}")
            self.texts[id(one)] = question, whole
            for text in {question, whole} - {b""}:
                self.by_text[text].append(one)
        # The items' file need not be named as the task, when there is only one of either.
        self.lone = len({one.item.task for one in items}) == 1 and len(set(tasks)) == 1
        self.unlike: list[tuple[str, str, str]] = []

    def find(self, task: str, sample_id: str, digest: str | None, text: str = "") -> Judged | None:
        """The item, or None. An item of the same id with another text is remembered in `unlike`."""
        same_id = self.by_task.get((normalize_name(task), sample_id)) or (
            self.by_id.get(sample_id) if self.lone else None
        )
        alike = [one for one in same_id or () if None in (digest, one.item.digest) or digest == one.item.digest]
        words = folded_text(text)
        if not words:
            return alike[0] if len(alike) == 1 else None
        here = [one for one in alike if self.agrees(one, words)]
        named = [one for one in self.by_text.get(words, ()) if normalize_name(one.item.task) == normalize_name(task)]
        found = here or named or self.by_text.get(words, ())
        if not found and same_id:
            self.unlike.append((sample_id, same_id[0].item.text, text))
        return found[0] if found else None

    def agrees(self, one: Judged, words: bytes) -> bool:
        """Whether a sample's text is the item's, or holds its question (a prompt does), or is held by it."""
        question, whole = self.texts[id(one)]
        padded = b" %b " % words
        return bool(question) and (b" %b " % question in padded or padded in b" %b " % whole)


def check_join(join: Join, measured: Measured) -> None:
    """ScriptError(code=3) when ids of the items and of the samples are equal and their texts are not."""
    if join.unlike:
        sample_id, ours, theirs = join.unlike[0]
        raise ScriptError(
            f"{measured.record}: {len(join.unlike)} of {len(measured.items)} samples have the id of an item and "
            f"another text ({sample_id}: {single_line(theirs)[:60]!r}, in --items {single_line(ours)[:60]!r}): "
            "another order or version of the benchmark; judge the recorded items: one folder as --items and --results",
            code=3,
        )


def split_scores(measured: Measured, rule: Rule, join: Join, fewest: int) -> ScoreRow:
    """The scores of a result's items by their status."""
    found: dict[str, list[tuple[float, str]]] = {CLEAN: [], SUSPECT: [], TOO_SHORT: []}
    missing, by_text = 0, 0
    for key, score in measured.items.items():
        text = measured.texts.get(key, "")
        one = join.find(*key, text)
        if one is None:
            missing += 1
        else:
            by_text += bool(folded_text(text))
            found[one.status[rule.name]].append((score, cluster_of_sample(measured, key, one)))
    check_join(join, measured)
    counts = {status.replace(" ", "_"): len(own) for status, own in found.items()}
    counts |= {"not_among_the_items": missing, "unscored": measured.unscored}
    row = ScoreRow(
        rule=rule.name,
        model=measured.model,
        task=measured.task,
        result_id=measured.result_id,
        record=measured.record,
        counts=counts,
        recorded=measured.score,
        why=measured.why,
        lower_is_better=measured.lower_is_better,
        joined=f"{by_text} by text, {len(measured.items) - missing - by_text} by id",
    )
    if not any(found.values()):
        return replace(row, why=f"none of its {len(measured.items)} items is among the given ones")
    return row if measured.why else with_means(row, measured, found[CLEAN], found[SUSPECT], fewest)


def cluster_of_sample(measured: Measured, key: tuple[str, str, str | None], one: Judged) -> str:
    """What a sample shares with others: what its line says, or its item's context; alone where neither does."""
    return measured.clusters.get(key) or one.item.context or "\0".join(map(str, key))


def group_of(scored: Sequence[tuple[float, str]], low: float | None, high: float | None) -> Group:
    """The scores of some items with what they share, and their range."""
    import numpy as np

    clusters = [cluster for _, cluster in scored]
    shared = len(set(clusters)) < len(clusters)
    numbers = np.unique(clusters, return_inverse=True)[1] if shared else None
    return Group(np.array([score for score, _ in scored]), numbers, low, high)


def with_means(
    row: ScoreRow,
    measured: Measured,
    clean: Sequence[tuple[float, str]],
    suspect: Sequence[tuple[float, str]],
    fewest: int,
) -> ScoreRow:
    """A row with its means, and with their difference when there are items enough."""
    scale, ends = measured.scale, (measured.low, measured.high)
    sides = {"all": [*clean, *suspect], "clean": clean, "suspect": suspect}
    means = {name: scaled(mean_interval(group_of(own, *ends)), scale) for name, own in sides.items() if own}
    binary = {score for own in sides.values() for score, _ in own} <= {0.0, 1.0}
    right = {name: round(sum(score for score, _ in own)) for name, own in sides.items()} if binary else {}
    row = replace(row, **means, right=right)
    few = [f"{len(own)} {name} items" for name, own in ((SUSPECT, suspect), (CLEAN, clean)) if len(own) < fewest]
    if few:
        return replace(row, why=f"{' and '.join(few)}; {fewest} are needed")
    difference, method = difference_of_means(group_of(suspect, *ends), group_of(clean, *ends))
    # all - clean = share of the suspect items * (suspect - clean), so its interval is that share of the difference's.
    inflation = scaled(difference, scale * len(suspect) / (len(suspect) + len(clean)))
    whole = not row.counts["not_among_the_items"] and not row.counts[TOO_SHORT.replace(" ", "_")]
    return replace(row, difference=scaled(difference, scale), inflation=inflation if whole else None, method=method)


def against_others(rows: Sequence[ScoreRow], measured: Sequence[Measured], join: Join, fewest: int) -> list[ScoreRow]:
    """The rows with the difference of their difference from that of the other models on the same items.

    Suspect items may be easier for everybody: what a model has beyond the others, item by item, is its own.
    """
    found: list[ScoreRow] = []
    for row in rows:
        one = next(m for m in measured if (m.record, m.result_id) == (row.record, row.result_id))
        others = [m for m in measured if m.model != one.model and m.task == one.task and metric_of(m) == metric_of(one)]
        groups: dict[str, list[tuple[float, str]]] = {CLEAN: [], SUSPECT: []}
        for key, score in one.items.items():
            theirs = [m.items[key] for m in others if key in m.items]
            item = join.find(*key, one.texts.get(key, "")) if theirs and len(theirs) == len(others) else None
            if item is not None and item.status[row.rule] in groups:
                beyond = score - sum(theirs) / len(theirs)
                groups[item.status[row.rule]].append((beyond, cluster_of_sample(one, key, item)))
        bounds = (None, None) if one.low is None or one.high is None else (one.low - one.high, one.high - one.low)
        if row.difference is None or min(map(len, groups.values())) < fewest:
            found.append(row)
            continue
        pair = [group_of(groups[name], *bounds) for name in (SUSPECT, CLEAN)]
        found.append(replace(row, beyond=scaled(difference_of_means(*pair)[0], one.scale)))
    return found


def metric_of(measured: Measured) -> str:
    """The metric of a result: what its id says behind the task."""
    return measured.result_id.rpartition("/")[2]


def scaled(mean: Mean, scale: float) -> Mean:
    """A mean on another scale."""
    return Mean(*(None if value is None else scale * value for value in (mean.value, mean.low, mean.high)))


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


# --- parts/contamination/reading.py -----------------------------------------------------------------------------------

# The fields of public benchmarks' rows, lower case: (question, answer, choices). A question of several fields is all of
# them. The first line whose question (and answer, and choices) a row has is taken; else the names below tell.
SHAPES = (
    (("ctx",), "label", ("endings",)),  # HellaSwag
    (("goal",), "label", ("sol1", "sol2")),  # PIQA
    (("premise",), "label", ("choice1", "choice2")),  # COPA
    (("sentence",), "answer", ("option1", "option2")),  # WinoGrande
    (("premise", "hypothesis"), "", ()),  # XNLI, MNLI
    (("sentence1", "sentence2"), "", ()),  # GLUE
    (("question",), "correct answer", ()),  # GPQA
    (("question",), "correct_answer", ()),  # SciQ
    (("question",), "best_answer", ()),  # TruthfulQA
    (("question",), "answerkey", ("choices",)),  # ARC, CommonsenseQA
    (("question_stem",), "answerkey", ("choices",)),  # OpenBookQA
    (("question",), "answer", ("options",)),  # MMLU-Pro
    (("question",), "answer", ("choices",)),  # MMLU
    (("turns",), "reference", ()),  # MT-Bench
    (("turns",), "", ()),
    (("problem",), "solution", ()),  # MATH
    (("prompt",), "canonical_solution", ()),  # HumanEval
    (("prompt",), "code", ()),  # MBPP
    (("text",), "code", ()),
    (("instruction", "input"), "output", ()),  # Alpaca
    (("prompt",), "chosen", ()),  # DPO
)
FIRST_CHOICE = {"option1": 1}  # benchmarks whose answers count their choices from 1
CONTEXT_FIELDS = ("context", "passage", "article", "story")
INPUT_FIELDS = ("question", "prompt", "query", "problem", "instruction", "input", "text", "sentence")
REFERENCE_FIELDS = ("answer", "answers", "reference", "references", "target", "solution", "output", "label")
CHOICE_FIELDS = ("choices", "options", "endings")
ID_FIELDS = ("sample_id", "id", "task_id", "question_id", "uid", "idx", "ind", "record id")
TRAIN_NAME = re.compile(r"(?:.*[_.-])?train(?:ing)?(?:[_.-].*)?")  # of a file that holds no benchmark items


def item_files(names: Sequence[str]) -> tuple[list[Path], list[str]]:
    """(the files that --items names, lines about what was left out)

    A folder with samples of records counts for these; of another one, the files of a training split are left out.
    """
    found: dict[str, Path] = {}
    notes = []
    for name in names:
        path = Path(name)
        if not path.exists():
            raise ScriptError(f"--items {name}: no such file or folder{near_place(path)}")
        files = seen_files(path) if path.is_dir() else [path]
        if path.is_dir():
            files = [f for f in files if is_item_file(f.name)]
            samples = [f for f in files if f.name.endswith("_samples.jsonl")]
            training = [f for f in files if TRAIN_NAME.fullmatch(f.name.split(".")[0].lower())]
            if not samples and training:
                notes.append(f"note: {name}: the files of a training split are left out ({training[0].name}, …)")
            files = samples or [f for f in files if f not in training]
        found |= {os.path.realpath(f): f for f in files}
    if not found:
        raise ScriptError(f"--items {listing(names)}: no items (JSON lines, parquet, or samples beside records)")
    return list(found.values()), notes


def seen_files(folder: Path) -> list[Path]:
    """The files in a folder that are not hidden."""
    below = (path for path in corpus_files(folder) if not path.is_dir())
    return [path for path in below if not any(name.startswith(".") for name in path.relative_to(folder).parts)]


def is_item_file(name: str) -> bool:
    """Whether a file may hold benchmark items, by its name."""
    kind = file_kind(name)
    return bool(kind and (kind[0] != "text" or name.lower().endswith((".csv", ".tsv"))) and not is_side_file(name))


def task_name(path: Path) -> str:
    """The task that a file of items is about: its name, or its folder's when the name is a split's."""
    stem = path.name.split(".")[0]
    split = re.fullmatch(r"(?i)(?:test|validation|valid|val|dev|eval|data)(?:-\d+-of-\d+)?", stem)
    return path.resolve().parent.name if split else stem


def read_benchmark(names: Sequence[str], wanted: Sequence[str]) -> tuple[list[BenchmarkItem], int, list[str]]:
    """(the items in order of task and id, how many were given again, their files)"""
    files, notes = item_files(names)
    for line in notes:
        note(line)
    found: dict[tuple[str, str, str], BenchmarkItem] = {}
    count = 0
    for path in files:
        for item in file_items(path, wanted):
            count += 1
            found.setdefault((item.task, item.sample_id, item.digest or item.whole), item)
    if not found:
        raise ScriptError(f"--items {listing(names)}: no items in {listing(map(str, files))}")
    items = [found[key] for key in sorted(found)]
    return items, count - len(items), [path.as_posix() for path in files]


def file_items(path: Path, wanted: Sequence[str]) -> Iterator[BenchmarkItem]:
    """The items of one file; ScriptError with the line of a row that is none."""
    chosen: ItemFields | None = None
    for where, row in item_rows(path):
        if isinstance(row.get("input"), dict) and "sample_id" in row:
            yield sample_item(row, where)
            continue
        chosen = chosen or choose_item_fields(row, wanted, where)
        yield row_item(row, chosen, path, where)


def item_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """(file and line, row) of a file of items."""
    kind, packed = file_kind(path.name) or ("", "")
    separator = next(
        (mark for ending, mark in ((".csv", ","), (".tsv", "\t")) if path.name.lower().endswith(ending)), ""
    )
    if kind in ("", "text") and not separator:
        raise ScriptError(f"--items {path}: JSON lines, CSV or parquet is expected")
    try:
        if separator:
            with io.StringIO(input_text(path, MAX_SAMPLES), newline="") as file:
                rows = csv.DictReader(file, delimiter=separator, strict=True)
                check_columns(path, rows.fieldnames)
                yield from ((f"{path}: line {rows.line_num}", row) for row in sheet_lines(rows))
        elif kind == "lines":
            yield from line_rows(path, packed)
        else:
            for first, batch in table_batches(str(path), kind, None, 0, None):
                yield from ((f"{path}: row {first + i}", row) for i, row in enumerate(batch.to_pylist()))
    except (*broken_errors(), UnicodeDecodeError, csv.Error) as error:
        raise ScriptError(f"{path}: {getattr(error, 'strerror', None) or single_line(error)}") from error


def line_rows(path: Path, packed: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The rows of JSON lines or of an array; ScriptError for what is no object."""
    with open_packed(str(path), packed) as file:
        array = is_array(file)
        for line_number, line in enumerate(json_array(str(path), file) if array else input_lines(file, path), start=1):
            where = f"{path}: {'row' if array else 'line'} {line_number}"
            if not array and not line.strip():
                continue
            try:
                row = line if array else json_of_line(line)[0]
            except ValueError as error:
                raise ScriptError(f"{where}: not valid JSON: {single_line(error)}") from error
            if not isinstance(row, dict):
                raise ScriptError(f"{where}: an item is an object with its fields")
            yield where, row


def sample_item(row: Mapping[str, Any], where: str) -> BenchmarkItem:
    """The item of a line of a samples file."""
    given = row["input"]
    parts = [given.get("raw"), *(given.get("reference") or ())]
    if not all(isinstance(part, str) for part in parts):
        raise ScriptError(f"{where}: input.raw and input.reference are texts in a samples file; evaluate again")
    digest = row.get("sample_hash")
    task = str(row.get("evaluation_name") or "")
    answer = "\n".join(parts[1:])
    return BenchmarkItem(task, str(row["sample_id"]), parts[0], None if digest is None else str(digest), answer)


@dataclass(frozen=True, slots=True)
class ItemFields:
    """Which fields of a row are an item's question, what stands before it, its answer, its choices, its id."""

    text: tuple[str, ...]
    context: tuple[str, ...] = ()
    reference: str | None = None
    choices: tuple[str, ...] = ()
    id: str | None = None


def choose_item_fields(row: Mapping[str, Any], wanted: Sequence[str], where: str) -> ItemFields:
    """The fields of an item: --item-fields, else the names that benchmarks use; ScriptError(code=3) in doubt."""
    here = {name.lower(): name for name in row if isinstance(name, str)}
    sample_id = next((here[name] for name in ID_FIELDS if name in here), None)
    if wanted:
        missing = [name for name in wanted if name not in row]
        if missing:
            raise ScriptError(f"{where}: no field {missing[0]!r}; there are: {listing(row, 20)}")
        return ItemFields(tuple(wanted), id=sample_id)
    context = tuple(here[name] for name in CONTEXT_FIELDS if name in here and texts(row[here[name]]))[:1]
    for question, answer, choices in SHAPES:
        if {*question, *choices, *filter(None, [answer])} <= here.keys() and texts(row[here[question[0]]]):
            fields = tuple(tuple(here[name] for name in names) for names in (question, choices))
            return ItemFields(fields[0], context, here[answer] if answer else None, fields[1], sample_id)
    inputs = [here[name] for name in INPUT_FIELDS if name in here and texts(row[here[name]])]
    references = [here[name] for name in REFERENCE_FIELDS if name in here and row[here[name]] is not None]
    if len(inputs) != 1 or len(references) > 1:
        several = inputs if len(inputs) > 1 else references if inputs else list(row)
        ask = "which fields are an item's text and answer? --item-fields A B, of"
        raise ScriptError(f"{where}: {ask}: {listing(several, 20)}", code=3)
    choices = tuple(here[name] for name in CHOICE_FIELDS if name in here and row[here[name]])[:1]
    return ItemFields((inputs[0],), context, references[0] if references else None, choices, sample_id)


def row_item(row: Mapping[str, Any], chosen: ItemFields, path: Path, where: str) -> BenchmarkItem:
    """The item of a row."""
    question, context = (
        [text for name in names for text in texts(row.get(name))] for names in (chosen.text, chosen.context)
    )
    answer: list[str] = []
    if chosen.reference is not None:
        options = [row.get(name) for name in chosen.choices]
        first = FIRST_CHOICE.get(chosen.choices[0].lower(), 0) if chosen.choices else 0
        answer = answer_texts(row.get(chosen.reference), options[0] if len(options) == 1 else options or None, first)
    sample_id = row.get(chosen.id) if chosen.id else None
    if sample_id is None:
        sample_id = where.removeprefix(str(path.parent)).lstrip("/\\")
    texts_of = ("\n".join(part) for part in (question, answer, context))
    question_text, answer_text, context_text = texts_of
    return BenchmarkItem(task_name(path), str(sample_id), question_text, None, answer_text, context_text)


def answer_texts(answer: Any, choices: Any, first: int = 0) -> list[str]:
    """The text of an answer; a number (from `first`), a letter or a label names one of the choices."""
    labels = choices.get("label") if isinstance(choices, dict) else None
    options = texts(choices.get("text") if isinstance(choices, dict) else choices)
    if isinstance(labels, list) and answer in labels and len(labels) == len(options):
        return [options[labels.index(answer)]]
    if isinstance(answer, str) and re.fullmatch("[A-J]", answer):
        place: Any = ord(answer) - ord("A")
    else:
        place = int(answer) if isinstance(answer, str) and len(answer) < 9 and answer.isdecimal() else answer
        place = place - first if isinstance(place, int) and not isinstance(place, bool) else place
    if isinstance(place, int) and not isinstance(place, bool) and 0 <= place < len(options):
        return [options[place]]
    return texts(answer) if not is_number(answer) else [str(answer)]


def read_measured_items(folders: Sequence[str], model_id: str | None, vocabulary: MetricMapping) -> list[Measured]:
    """The results with samples below some folders, of one model or of all."""
    found, models, meant = [], [], []
    for path in record_files(map(Path, folders)):
        record = read_record(path)
        if record is None or record.get("failure"):
            continue
        readings = read_results(path, record, vocabulary, whole=True)
        identity = readings[0].run.identity if readings else NOBODY
        models.append(identity)
        if model_id is not None and not identity.answers_to(model_id):
            continue
        meant.append(identity)
        if not any(reading.lines for reading in readings):
            note(f"note: {path} has no samples beside it: left out of the scores")
            continue
        found += map(measured_result, readings)
    if not models:
        raise ScriptError(f"--results {listing(folders)}: no records there")
    if model_id is not None and not meant:
        names = listing(model_names(models), 20)
        raise ScriptError(f"--model-id {model_id}: no record of it; there are: {names}")
    if model_id is not None:
        one_model(meant, f"--model-id {model_id}")
    return sorted(found, key=lambda one: (one.model, one.task, one.result_id, one.record))


def measured_result(reading: ReadResult) -> Measured:
    """One result with the mean score of each of its items, and why it cannot be split, if it cannot."""
    run, facts = reading.run, reading.facts
    scores: dict[tuple[str, str, str | None], list[float]] = defaultdict(list)
    texts_of: dict[tuple[str, str, str | None], str] = {}
    clusters: dict[tuple[str, str, str | None], str] = {}
    for line in reading.lines:
        if line.score is not None:
            key = run.name, line.name, line.digest
            scores[key].append(line.score)
            texts_of[key] = raw if isinstance(raw := (line.row.get("input") or {}).get("raw"), str) else ""
            shared = next((name for name in CLUSTER_FIELDS if line.metadata.get(name) is not None), None)
            if shared:
                clusters[key] = str(line.metadata[shared])
    means = {key: math.fsum(values) / len(values) for key, values in scores.items()}
    why = "; ".join(run.validity.reasons)
    if not why and not means:
        why = "no scored samples"
    elif not why and run.aggregation not in ITEM_MEANS:
        why = f"{run.aggregation} is no mean of the items"
    elif not why and facts.factor is None:
        why = f"the items have the mean {facts.mean:.4g}, the record says {run.written[0]:.4g}"
    factor = run.scale if facts is None or facts.factor is None else facts.factor
    low, high = item_bounds(run, [value for values in scores.values() for value in values], factor)
    return Measured(
        model=run.identity.name,
        task=run.name,
        result_id=run.result_id,
        record=run.file,
        score=run.written[0],
        items=means,
        scale=factor / run.scale,
        unscored=facts.unscored if facts else 0,
        why=why,
        lower_is_better=run.lower_is_better,
        low=low,
        high=high,
        texts=texts_of,
        clusters=clusters,
    )


def item_bounds(run: Run, values: Sequence[float], factor: float) -> tuple[float | None, float | None]:
    """The least and the most that an item's score can be: as the record says, or 0 and 1 for shares; else open."""
    ends = [None if end is None else end / factor for end in (run.low, run.high)]
    if None in ends and (run.unit == "proportion" or set(values) <= {0.0, 1.0}):
        ends = [0.0, 1.0]
    inside = None not in ends and all(ends[0] - ROUNDED <= value <= ends[1] + ROUNDED for value in values)
    return (ends[0], ends[1]) if inside and ends[0] < ends[1] else (None, None)


def make_scores(
    judged: Sequence[Judged], measured: Sequence[Measured], rules: Sequence[Rule], fewest: int
) -> list[ScoreRow]:
    """A row for each result and rule that has items among the judged ones; ScriptError when none has."""
    join = Join(judged, [one.task for one in measured])
    rows = [split_scores(one, rule, join, fewest) for rule in rules for one in measured]
    if not any(row.counts[name] for row in rows for name in (CLEAN, SUSPECT, TOO_SHORT.replace(" ", "_"))):
        theirs = [f"{task}: {sample}" for one in measured[:1] for task, sample, _ in list(one.items)[:1]]
        raise ScriptError(
            f"--results: no sample is about an item of --items; there {listing(theirs) or 'are no samples'}, here "
            f"{judged[0].item.label}; task (file name) and id must be equal"
        )
    # A result of another task is no news; a model of which no item is among the given ones is named.
    joined = {row.model for row in rows if sum(row.counts.values()) > row.counts["not_among_the_items"]}
    rows = [
        row
        for row in rows
        if row.model not in joined
        or sum(row.counts.values()) - row.counts["unscored"] > row.counts["not_among_the_items"]
    ]
    return against_others(rows, measured, join, fewest) if len({one.model for one in measured}) > 1 else rows


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


# --- parts/contamination/report.py ------------------------------------------------------------------------------------

SHOWN_SUSPECTS = 10
MOST_PROBLEMS = 5  # unreadable rows that are named; the others are counted


def mean_cell(estimate: Mean | None, signed: bool = False) -> str:
    """'0.41 (0.32 to 0.51)'."""
    if estimate is None:
        return "–"
    values = [estimate.value, estimate.low, estimate.high]
    shown = ["–" if v is None else f"{0.0 + round(v, 3):+.3f}" if signed else number(v) for v in values]
    return shown[0] if estimate.low is None else f"{shown[0]} ({shown[1]} to {shown[2]})"


def matched_text(match: Match) -> str:
    """The text at a match, between guillemets what is equal."""
    return f"{match.before} «{match.text}» {match.after}".strip()


def match_length(one: Judged) -> str:
    """The longest match of an item: '14 of 20 words', '61 of 90 characters'."""
    facts = one.facts
    longest = max(facts.longest, facts.passage)
    parts = [f"{longest} of {facts.counted} words"] if longest or not facts.characters else []
    if facts.longest_characters:
        parts.append(f"{facts.longest_characters} of {facts.characters} characters")
    return ", ".join(parts)


def rule_table(check: Check) -> tuple[list[str], list[list[str]]]:
    """How many items each rule finds."""
    header = ["rule", "suspect", "clean", TOO_SHORT, "an item is suspect when"]
    rows = [
        [rule.name, *(str(check.count(rule, status)) for status in (SUSPECT, CLEAN, TOO_SHORT)), rule.condition]
        for rule in check.rules
    ]
    return header, rows


def suspect_table(check: Check, most: int, show_text: bool = True) -> tuple[list[str], list[list[str]]]:
    """The suspect items with their longest match; item text goes into no public card unless it is asked for."""
    rows = []
    for one in check.suspects[:most]:
        rules = [name for name, status in one.status.items() if status == SUSPECT]
        best = one.matches[0] if one.matches else None
        where = f"{best.place} ({one.places} places)" if best and one.places > 1 else str(best.place) if best else "–"
        found = ", ".join(dict.fromkeys(one.parts.values()))
        rows.append([one.item.label, ", ".join(rules), found, match_length(one), where])
        if show_text:
            rows[-1].append(matched_text(best) if best else "–")
    header = ["item", "rules", "found", "longest match", "where"]
    return [*header, "text there"] if show_text else header, rows


def split_table(check: Check) -> tuple[list[str], list[list[str]]]:
    """The scores on clean and on suspect items."""
    several = len(check.rules) > 1
    header = ["rule"] * several + ["model", "result", "clean items", "suspect items", "suspect − clean", "all − clean"]
    others = any(row.beyond is not None for row in check.scores)
    rows = []
    for row in check.scores:
        cells = [row.rule] * several + [row.model, row.result_id]
        for mean, name in ((row.clean, CLEAN), (row.suspect, SUSPECT)):
            count = row.counts[name]
            cells.append(f"{mean_cell(mean)}, " + (f"{row.right[name]} of {count}" if row.right else f"n = {count}"))
        cells += [mean_cell(row.difference, True), mean_cell(row.inflation, True)]
        cells += [mean_cell(row.beyond, True)] if others else []
        rows.append([*cells, f"not judged: {row.why}" if row.why else reading(row)])
    return [*header, *["beyond the other models"] * others, "reading"], rows


def reading(row: ScoreRow) -> str:
    """What an interval says, and about which items."""
    assert row.difference is not None
    missing = row.counts["not_among_the_items"]
    given = sum(row.counts.values()) - missing - row.counts["unscored"]
    about = f" (of the {given} given, {missing} more were recorded)" if missing else ""
    if row.difference.low is None or row.difference.high is None:
        return f"no interval: {row.method}{about}"
    if row.difference.low <= 0 <= row.difference.high:
        return f"no difference was shown{about}"
    higher = row.difference.low > 0
    words = ("higher" if higher else "lower") if not row.lower_is_better else ("worse" if higher else "better")
    return f"{words} on suspect items{about}"


def size_text(size: int) -> str:
    """'12.3 MB'."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= scale:
            return f"{size / scale:.1f} {unit}"
    return f"{size} bytes"


def text_line(check: Check) -> str:
    """What was compared with what."""
    found = check.found
    files = len({part.name for part in check.sources.parts})
    return (
        f"{plural(len(check.judged), 'item')} against {size_text(found.bytes)} of text in "
        f"{plural(found.documents, 'document')} of {plural(files, 'file')}"
    )


def coverage_line(check: Check) -> str:
    """How much of the training text was read: without it, nothing found says nothing."""
    found, sources = check.found, check.sources
    read = found.rows - found.unread - found.unreadable
    rows = f"{read:,} of {plural(found.rows, 'row')}, " if found.rows else ""
    named = [f"{name} ({count:,})" for name, count in found.fields.most_common(6)]
    fields = f"; fields: {', '.join(map(single_line, named))}" if named else ""
    other = f"; not read: {size_text(found.other_text)} in fields that were not named" if found.other_text else ""
    files = f" of {size_text(sources.size + sources.unread)} in files" if sources.unread else ""
    return f"read {rows}{size_text(found.bytes)} of text{files}{fields}{other}"


def answer_line(check: Check) -> str:
    """The verdict with its numbers."""
    suspects = sum(one.suspect for one in check.judged)
    if check.verdict == CONTAMINATED:
        found = ", ".join(f"{name}: {count}" for name, count in sorted(check.parts_found.items()))
        return f"contamination found: {suspects} of {plural(len(check.judged), 'item')} ({found})"
    if check.verdict == NOT_FOUND:
        judged = plural(len(check.judged) - check.unjudged, "item")
        return f"no contamination found in the {judged} that could be judged (paraphrases are not looked for)"
    return "undecided: nothing was found, but " + "; ".join(check.doubts)


def warning_lines(check: Check) -> list[str]:
    """What the answer does not rest on."""
    found, lines = check.found, []
    if check.unjudged:
        lines.append(f"{plural(check.unjudged, 'item')} too short to judge: neither clean nor suspect")
    if check.nearest is not None:
        lines.append(f"nearest below the threshold: {check.nearest.item.label}, {match_length(check.nearest)}")
    words, counted = (sum(getattr(one.facts, name) for one in check.judged) for name in ("words", "counted"))
    if counted < words:
        lines.append(
            f"{words - counted:,} of {words:,} words of the items are shared text or formulas and do not count"
        )
    joins = Counter(row.joined for row in check.scores if row.joined)
    if joins:
        many = (f"{how}, in {count} tasks" if count > 1 else how for how, count in joins.items())
        lines.append("samples joined with items: " + "; ".join(many))
    if check.duplicates:
        lines.append(f"{plural(check.duplicates, 'item')} given more than once, counted once")
    if found.unreadable:
        first = [f"{file}: {kind} {number}: {why}" for file, number, kind, why in sorted(found.problems)[:2]]
        lines.append(
            f"{plural(found.unreadable, 'row')} of the training text not readable, skipped: {'; '.join(first)}"
        )
    if found.without_text:
        lines.append(f"{plural(found.without_text, 'row')} of the training text without text")
    if found.media:
        lines.append(f"{size_text(found.media)} of pictures and sounds in the rows were not read")
    if found.replaced:
        lines.append(f"{plural(found.replaced, 'sequence')} of bytes that are not UTF-8, replaced")
    lines += [f"not read to its end: {why}" for why in found.broken]
    return [*lines, *(f"left out: {why}" for why in check.sources.left_out), *check.own]


def render_contamination(check: Check, command: str, show_text: bool = False) -> str:
    """The Markdown report, for a model card: without the text of items, unless it is asked for."""
    lines = ["## Contamination check", "", f"**{capital(answer_line(check))}.** {text_line(check)}.", ""]
    lines += [f"Coverage: {coverage_line(check)}.", ""]
    lines += [pipe_table(*rule_table(check)), ""]
    if check.scores:
        lines += ["### Scores on clean and on suspect items", "", pipe_table(*split_table(check)), ""]
        lines += [score_note(check), ""]
    if check.suspects:
        header, rows = suspect_table(check, SHOWN_SUSPECTS, show_text)
        more = len(check.suspects) - len(rows)
        lines += ["### Suspect items", "", pipe_table(header, rows), ""]
        lines += [f"{more} more are in the JSON document (`--output`).", ""] if more > 0 else []
    lines += ["### Limits", "", *(f"- {plain(line)}" for line in [*warning_lines(check), *method_lines(check)]), ""]
    lines += [f"Made by `{command}`.", ""]
    return "\n".join(lines)


def capital(text: str) -> str:
    """A text with its first letter in upper case."""
    return text[:1].upper() + text[1:]


def score_note(check: Check) -> str:
    """How the intervals of the score table were made."""
    methods = sorted({row.method for row in check.scores if row.method})
    names = f" ({', '.join(methods)})" if methods else ""
    return (
        f"{percent(LEVEL)} intervals: Wilson's or Student's for a mean, Newcombe's or Welch's for a difference{names}. "
        "all − clean: how much the score of all items is above that of the clean ones, where all were judged. Suspect "
        "items may also be easier or harder than others; a difference alone does not show that the model has learnt "
        "them, what it has beyond other models on the same items says more."
    )


def method_lines(check: Check) -> list[str]:
    """What the comparison does and does not see."""
    lines = [
        "compared without case, punctuation, accents, markup and line breaks; question, answer and the whole item are "
        "judged each; paraphrases and translations are not found"
    ]
    if check.filter.on:
        many = check.filter.many
        shared = f"{many} items" if many is not None else f"{BOILERPLATE_ITEMS} items and {percent(BOILERPLATE_SHARE)}"
        lines.append(
            f"not counted: text shared by more than {shared} of a task, known instructions; a formula is one word"
        )
    else:
        lines.append("boilerplate and formulas count (--no-filter): false positives are to be expected")
    return lines


def check_json(check: Check) -> dict[str, Any]:
    """The whole answer as one JSON document; the clean items are those that are not listed."""
    found = check.found
    return {
        "schema_version": CONTAMINATION_SCHEMA,
        "verdict": check.verdict,
        "why_undecided": check.doubts if check.verdict == UNDECIDED else [],
        "rules": [rule_json(check, rule) for rule in check.rules],
        "items": {
            "files": list(check.item_files),
            "count": len(check.judged),
            "duplicates": check.duplicates,
            "suspect": len(check.suspects),
            "unjudged": check.unjudged,
            "found": dict(check.parts_found),
        },
        "training": {
            "sources": list(check.sources.names),
            "files": len({part.name for part in check.sources.parts}),
            "bytes": found.bytes,
            "documents": found.documents,
            "coverage": coverage_line(check),
            "rows": found.rows,
            "rows_unread": found.unread,
            "fields": dict(found.fields),
            "characters_in_other_fields": found.other_text,
            "media_bytes_in_rows": found.media,
            "file_bytes": check.sources.size,
            "file_bytes_left_out": check.sources.unread,
            "rows_unreadable": found.unreadable,
            "rows_without_text": found.without_text,
            "not_utf8": found.replaced,
            "coded_bytes": found.coded,
            "disguised_letters": found.disguised,
            "problems": [
                {"file": file, kind: number, "error": why}
                for file, number, kind, why in sorted(found.problems)[:MOST_PROBLEMS]
            ],
            "broken_files": sorted(found.broken),
            "left_out": list(check.sources.left_out),
        },
        "filter": {"on": check.filter.on, "boilerplate_items": check.filter.many},
        "scores": [split_json(row) for row in check.scores],
        "suspects": [judged_json(one) for one in check.suspects],
        "too_short": [
            {"task": one.item.task, "sample_id": one.item.sample_id, "rules": short}
            for one in check.judged
            if (short := [name for name, status in one.status.items() if status == TOO_SHORT])
        ],
    }


def rule_json(check: Check, rule: Rule) -> dict[str, Any]:
    """A rule and its counts."""
    counts = {status.replace(" ", "_"): check.count(rule, status) for status in (SUSPECT, CLEAN, TOO_SHORT)}
    settings = {"unit": rule.unit, "length": rule.length, "share": rule.share, "condition": rule.condition}
    return {"rule": rule.name, **settings, "source": rule.source, **counts}


def judged_json(one: Judged) -> dict[str, Any]:
    """A suspect item."""
    facts = one.facts
    return {
        "task": one.item.task,
        "sample_id": one.item.sample_id,
        "rules": [name for name, status in one.status.items() if status == SUSPECT],
        "found": dict(one.parts),
        "words": facts.words,
        "words_counted": facts.counted,
        "longest_match": facts.longest,
        "longest_share": round(facts.longest / facts.counted, 4) if facts.counted else None,
        "longest_passage": facts.passage,
        "windows": facts.windows,
        "windows_found": facts.windows_found,
        "characters_counted": facts.characters or None,
        "longest_match_characters": facts.longest_characters or None,
        "places": one.places,
        "matches": [match_json(match) for match in one.matches],
    }


def match_json(match: Match) -> dict[str, Any]:
    """A match with its place."""
    place = match.place
    where = {"file": place.file, place.kind: place.number} | ({"byte": place.byte} if place.byte >= 0 else {})
    text = {"before": match.before, "text": match.text, "after": match.after}
    return {**where, "length": match.length, "counted": match.counted, "begins_at": match.begin, **text}


def split_json(row: ScoreRow) -> dict[str, Any]:
    """A row of the scores; an interval that was not made is null."""
    names = ("all", "clean", "suspect", "difference", "inflation", "beyond")
    means = {name: mean_json(getattr(row, name)) for name in names}
    head = {"rule": row.rule, "model": row.model, "task": row.task, "result_id": row.result_id, "record": row.record}
    judged = {"method": row.method or None, "not_judged": row.why or None}
    judged |= {"lower_is_better": row.lower_is_better, "right": dict(row.right) or None, "joined": row.joined or None}
    return {**head, "recorded_score": row.recorded, "items": dict(row.counts), **means, **judged}


def mean_json(mean: Mean | None) -> dict[str, Any] | None:
    """A mean with its interval."""
    return None if mean is None else {"value": mean.value, "low": mean.low, "high": mean.high, "level": LEVEL}


def check_text_lines(check: Check) -> list[str]:
    """The answer for people."""
    lines = [pipe_table(*rule_table(check)), ""]
    if check.suspects:
        header, rows = suspect_table(check, SHOWN_SUSPECTS)
        lines += [pipe_table(header, rows), ""]
    if check.scores:
        lines += [pipe_table(*split_table(check)), ""]
    more = len(check.suspects) - SHOWN_SUSPECTS
    lines += [f"{more} more suspect items: --json or --output FILE.json", ""] if more > 0 else []
    answer = [coverage_line(check), f"{answer_line(check)} ({text_line(check)})"]
    return [*lines, *answer, *map(single_line, warning_lines(check))]


def clean_items(check: Check, command: str) -> dict[str, Any]:
    """The items that no rule suspects and every rule could judge, by task: what a release may be gated on."""
    found: dict[str, list[str]] = {}
    for one in check.judged:
        if set(one.status.values()) == {CLEAN}:
            found.setdefault(one.item.task, []).append(one.item.sample_id)
    reason = f"no match in the training text ({coverage_line(check)})"
    return {"schema_version": CONTAMINATION_SCHEMA, "reason": reason, "command": command, "only_items": found}


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


# --- parts/contamination/training.py ----------------------------------------------------------------------------------

ONE_PROCESS = 2**25  # bytes of text for which a second process is not worth its start
LONG = 10**8  # bytes that take more than two seconds
DATASET_ID = re.compile(r"[\w.-]+/[\w.-]+|\w[\w-]*")  # or a name of old without its owner: "squad"
DATASET_PATH = re.compile(r"hf://datasets/([\w.-]+/[\w.-]+)(?:@([^/]+))?(?:/(.+))?")
CONVERTED = "refs/convert/parquet"  # the branch on which the Hub keeps a data set as parquet
WORKER: dict[str, Scanner] = {}  # of a process of the pool


def find_sources(names: Sequence[str], wanted: Sequence[str], settings: ScanSettings, items: Iterable[str]) -> Sources:
    """The parts of everything that --training names; ScriptError when a name leads nowhere, or to the items."""
    own = {os.path.realpath(name) for name in items}
    parts: dict[str, list[Part]] = {}
    left_out: list[str] = []
    unread = unopened = 0
    for name in names:
        path = Path(name)
        if path.is_dir():
            found, others, size, closed = folder_files(path)
            left_out += others
            unread += size
            unopened += closed
        elif path.is_file():
            found = [path]
        elif match := hub_name(name):
            remote, others, size = hub_parts(name, *match, wanted)
            parts |= {part.name: [part] for part in remote}
            left_out += others
            unread += size
            continue
        else:
            what = "no such file, folder or data set of the Hub (OWNER/NAME)"
            raise ScriptError(f"--training {name}: {what}{near_place(path)}")
        for file in found:
            real = os.path.realpath(file)
            if real in own:
                raise ScriptError(
                    f"--training {name}: {file} is a file of --items, too; name the training files", code=3
                )
            parts[real] = file_parts(file.as_posix(), wanted, settings)
    if not parts:
        raise ScriptError(f"--training {listing(names)}: no text in it{'; ' + left_out[0] if left_out else ''}")
    own_parts = tuple(part for of_file in parts.values() for part in of_file)
    return Sources(tuple(names), own_parts, tuple(left_out), unread, unopened)


def folder_files(folder: Path) -> tuple[list[Path], list[str], int, int]:
    """(the files of a folder that hold text, a line about the others, bytes of those that may hold text, too, pipes)

    A name alone leaves nothing out: hidden files are files. What is not read counts as unread, unless its bytes say
    that it holds no text, or are those of a file that is read. `pipes` counts folders elsewhere, too.
    """
    found, others = [], []
    for path in corpus_files(folder):
        hidden = any(name.startswith(".") for name in path.relative_to(folder).parts)
        if not is_input(path):
            read = path.is_symlink() and not path.exists() and file_kind(path.name)  # reading it says what is wrong
        else:
            read = file_kind(path.name) or (hidden and path.stat().st_size and is_plain_text(path))
        (found if read else others).append(path)
    if not others:
        return found, [], 0, 0
    links = [path for path in others if path.is_dir()]
    pipes = [path for path in others if not is_input(path) and path not in links]
    files = [path for path in others if is_input(path)]
    unsure = [path for path in files if not holds_no_text(path)]
    unread = set(unsure) - copies(unsure, found)
    kinds = [listing(sorted({path.suffix or path.name for path in files}))] if files else []
    kinds += [plural(len(pipes), "pipe")] if pipes else []
    kinds += [f"linked folders: {listing([str(path) for path in links])}"] if links else []
    line = f"{plural(len(others), 'file')} in {folder} ({'; '.join(kinds)})"
    return found, [line], sum(path.stat().st_size for path in unread), len(pipes) + len(links)


def file_parts(path: str, wanted: Sequence[str], settings: ScanSettings, name: str = "") -> list[Part]:
    """The parts of a file, `name` as it is shown; ScriptError early when it is not what its name says."""
    kind, packed = file_kind(path) or ("text", "")
    whole = Part(name or path, path, kind, packed, 0, wanted=tuple(wanted))
    try:
        kind = "text" if is_input(path) and whole_object(Path(path)) else kind
        whole = replace(whole, size=os.path.getsize(path), kind=kind)
        if kind == "text":
            with open_packed(path, packed) as file:
                refuse_binary(whole.name, file.read(8192))
        elif whole.size:
            check_text_fields(first_rows(path, kind, packed), wanted, whole.name)
            whole = replace(whole, kind=array_or_lines(path, kind, packed))
        if kind == "parquet":
            return row_group_parts(whole, settings)
    except (FileNotFoundError, PermissionError) as error:
        raise ScriptError(f"{whole.name}: {error.strerror}") from error
    except broken_errors() as error:
        if settings.skip_broken:
            return [replace(whole, broken=broken_text(whole.name, error))]
        raise ScriptError(broken_text(whole.name, error)) from error
    if packed or whole.kind in ("array", "arrow") or whole.size <= settings.part:
        return [whole]
    cuts = itertools.pairwise([*range(0, whole.size, settings.part), whole.size])
    return [replace(whole, start=start, stop=stop, size=stop - start) for start, stop in cuts]


def array_or_lines(path: str, kind: str, packed: str) -> str:
    """The kind of a file, of JSON whether it is an array or lines."""
    if kind == "lines":
        with open_packed(path, packed) as file:
            return "array" if is_array(file) else kind
    return kind


def broken_text(path: str, error: BaseException) -> str:
    """What to say of a file that cannot be read to its end."""
    why = getattr(error, "strerror", None) or single_line(error) or type(error).__name__
    return f"{path}: damaged or not what its name says: {why[:200]}; replace it, or --skip-broken"


def refuse_binary(path: str, begin: bytes) -> None:
    """ScriptError for a file that is no text in UTF-8 or a relative of it."""
    if begin.startswith((b"\xff\xfe", b"\xfe\xff")) or begin.count(b"\0") > len(begin) // 100:
        raise ScriptError(f"{path}: binary, or text in UTF-16; convert it to UTF-8, or leave it out")


def row_group_parts(whole: Part, settings: ScanSettings) -> list[Part]:
    """The parts of a parquet file: as many row groups each as have about settings.part bytes."""
    import pyarrow.parquet as pq

    with open_input(whole.path) as opened, pq.ParquetFile(opened) as file:
        sizes = [file.metadata.row_group(i).total_byte_size for i in range(file.num_row_groups)]
    parts, start, total = [], 0, 0
    for i, size in enumerate(sizes):
        total += size
        if total >= settings.part or i == len(sizes) - 1:
            parts.append(replace(whole, start=start, stop=i + 1, size=total))
            start, total = i + 1, 0
    return parts or [replace(whole, stop=0)]


def scan_part(scanner: Scanner, part: Part) -> Found:
    """What a part of the training text holds; ScriptError when it cannot be read to its end, unless that is allowed."""
    if part.repo:
        return scan_remote(scanner, part)
    if part.broken:
        scanner.found.broken.append(part.broken)
        return scanner.finish()
    try:
        if part.kind == "text":
            scan_text_part(scanner, part)
        else:
            reader = read_table if part.kind in ("parquet", "arrow") else read_json_lines
            kind = "line" if part.kind == "lines" else "row"
            scanner.scan_documents(reader(part, scanner.found), part.name, kind)
    except broken_errors() as error:
        text = broken_text(part.name, error)
        if not scanner.skip_broken:
            raise ScriptError(text) from error
        scanner.found.broken.append(text)
    return scanner.finish()


def scan_text_part(scanner: Scanner, part: Part) -> None:
    """Scan a plain text, or a range of one."""
    scanner.found.documents += part.start == 0
    with open_packed(part.path, part.packed) as file:
        base = max(0, part.start - BEHIND)
        if base:
            file.seek(base)
        scanner.scan_text(file.read, part.name, base, part.start, part.stop)


def read_json_lines(part: Part, found: Found) -> Iterator[tuple[bytes, int, int]]:
    """The texts of JSON lines (or of an array) with their numbers; what cannot be read is counted."""
    with open_packed(part.path, part.packed) as file:
        if part.kind == "array":
            for number_of_row, row in enumerate(json_array(part.path, file), start=1):
                yield from row_text(row, part, found, number_of_row, -1)
            return
        offset = part.start
        if offset:
            file.seek(offset - 1)
            offset += len(file.readline()) - 1
        for line in input_lines(file, part.name):
            if part.stop is not None and offset >= part.stop:
                return
            found.lines += 1
            if line.strip():
                try:
                    row, replaced = json_of_line(line)
                except ValueError as error:
                    report_row(part, found, found.lines, f"not valid JSON: {error}")
                else:
                    found.replaced += replaced
                    yield from row_text(row, part, found, found.lines, offset)
            offset += len(line)


def read_table(part: Part, found: Found) -> Iterator[tuple[bytes, int, int]]:
    """The texts of a table's rows with their numbers."""
    columns, size = text_columns(part)
    if not columns:
        found.rows += size
        found.without_text += size
        return
    for first, batch in table_batches(part.path, part.kind, columns, part.start, part.stop):
        rows, replaced = batch_rows(batch)
        found.replaced += replaced
        for i, row in enumerate(rows):
            yield from row_text(row, part, found, first + i, -1)


def text_columns(part: Part) -> tuple[list[str], int]:
    """(the columns of a table's part that may hold text, its rows): numbers are not worth their reading."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    def may_hold_text(kind: Any) -> bool:
        number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
        return not (number or pa.types.is_null(kind) or pa.types.is_temporal(kind) or pa.types.is_decimal(kind))

    if part.kind == "parquet":
        with pq.ParquetFile(part.path) as file:
            groups = range(file.num_row_groups)[part.start : part.stop]
            schema, rows = file.schema_arrow, sum(file.metadata.row_group(i).num_rows for i in groups)
    else:
        schema, rows = pa.schema([]), 0
        for _, batch in table_batches(part.path, part.kind, None, 0, None):
            schema, rows = batch.schema, rows + batch.num_rows
    named = [field.name for field in schema if may_hold_text(field.type)]
    return [name for name in named if not part.wanted or name in part.wanted], rows


def row_text(row: Any, part: Part, found: Found, number_of_row: int, offset: int) -> Iterator[tuple[bytes, int, int]]:
    """The text of one row, when it has one: of all fields, or of those that were named."""
    found.rows += 1
    if isinstance(row, str):
        text = row
    elif isinstance(row, dict):
        read = part.wanted or row
        fields = {name: own for name in read if any(own := training_texts(row.get(name)))}
        names = [] if part.wanted else training_texts(dict.fromkeys(row))
        text = "\n".join(itertools.chain(names, *fields.values()))
        found.fields.update(fields.keys())
        if part.wanted:
            found.other_text += sum(
                len(piece) for name in row.keys() - part.wanted for piece in training_texts(row[name])
            )
    else:
        report_row(part, found, number_of_row, "neither an object nor a text")
        return
    hidden = [holds_hidden(row.get(name)) for name in read] if isinstance(row, dict) else []
    found.media += sum(size for _, size in hidden)
    if text.strip():
        found.unread += any(unread for unread, _ in hidden)
        yield text.encode("utf-8", "replace"), number_of_row, offset
    else:
        found.without_text += 1
        found.unread += any(training_texts(row)) or any(map(holds_more, row.values())) if isinstance(row, dict) else 0


def report_row(part: Part, found: Found, number_of_row: int, why: str) -> None:
    """Count a row that cannot be read, and remember the first of them."""
    if part.kind == "lines" and not why.startswith("neither"):
        found.rows += 1
    found.unreadable += 1
    if len(found.problems) < MOST_PROBLEMS:
        found.problems.append(
            (part.name, number_of_row, "line" if part.kind == "lines" else "row", single_line(why)[:200])
        )


def hub_name(name: str) -> tuple[str, str | None, str] | None:
    """(repo, revision, folder) of a data set's name or address, or None.

    "owner/name", "squad", "hf://datasets/owner/name@main/data"
    """
    if match := DATASET_PATH.fullmatch(name):
        return match[1], match[2], match[3] or ""
    return (name, None, "") if DATASET_ID.fullmatch(name) else None


@contextlib.contextmanager
def reading_hub(where: str) -> Iterator[None]:
    """Turn the Hub client's errors into one line that says what failed."""
    import httpx2
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, HFValidationError, RepositoryNotFoundError

    keep_token_home()
    try:
        yield
    except GatedRepoError as error:
        raise ScriptError(f"{where}: a gated data set; accept its conditions and run `hf auth login`") from error
    except RepositoryNotFoundError as error:
        raise ScriptError(f"{where}: no such data set, or no access to it; `hf auth login`?") from error
    except HFValidationError as error:
        raise ScriptError(f"{where}: {str(error).splitlines()[0]}") from error
    except (OSError, httpx2.HTTPError) as error:
        response = getattr(error, "response", None) if isinstance(error, HfHubHTTPError) else None
        if response is not None and response.status_code == 401:
            raise ScriptError(f"{where}: the token is not valid; {LOG_IN} again") from error
        local = getattr(error, "strerror", None)
        why = f"the answer {response.status_code}" if response is not None else local or type(error).__name__
        raise ScriptError(f"{where}: could not be read ({why}); try again later") from error


def hub_parts(
    name: str, repo: str, revision: str | None, folder: str, wanted: Sequence[str]
) -> tuple[list[Part], list[str], int]:
    """(the files of a data set at one commit, a line about the others, bytes of those that may hold text, too)

    Of the Hub's parquet copy when it has no data files that can be read. Pictures and sounds are told by their names:
    to tell them by their bytes, all of them would have to be fetched.
    """
    from huggingface_hub import HfApi

    api = HfApi(token=hub_token())
    with reading_hub(f"--training {name}: no such file or folder here{near_place(Path(name))}; on the Hub"):
        for branch in dict.fromkeys((revision, revision or CONVERTED)):
            own_name, commit, files = repo_sizes(api, repo, branch, folder)
            if any(map(is_data_file, files)):
                break
    if own_name != repo and REPO_ID.fullmatch(own_name):
        note(f"{repo} is called {own_name} on the Hub")
        repo = own_name
    if not any(map(is_data_file, files)):
        raise ScriptError(f"--training {name}: no data files that can be read (JSON lines, parquet, text)")
    kinds = {path: ("text", "") if path == ".gitattributes" else file_kind(path) for path in files}
    others = [path for path, kind in kinds.items() if not kind]
    endings = listing(sorted({os.path.splitext(path)[1] or path for path in others}))
    unread = sum(files[path] for path in others if not MEDIA_NAME.fullmatch(path))
    parts = [
        Part(
            f"hf://datasets/{repo}@{commit[:12]}/{path}",
            path,
            kind,
            packed,
            files[path],
            wanted=tuple(wanted),
            repo=repo,
            revision=commit,
        )
        for path, (kind, packed) in ((path, kind) for path, kind in kinds.items() if kind)
    ]
    return parts, [f"{plural(len(others), 'file')} in {name} ({endings})"] if others else [], unread


def is_data_file(path: str) -> bool:
    """Whether a file of a data set on the Hub holds rows or plain text, by its name."""
    kind = file_kind(path)
    text = kind and (kind[0] != "text" or path.removesuffix(kind[1]).endswith((".txt", ".csv", ".tsv")))
    return bool(text) and not is_side_file(path.rsplit("/", 1)[-1])


def repo_sizes(api: Any, repo: str, revision: str | None, folder: str) -> tuple[str, str, dict[str, int]]:
    """(the Hub's own name, commit, path -> size of the files) of a data set or a folder in it; no files where there is
    no such branch."""
    from huggingface_hub.errors import RevisionNotFoundError

    try:
        info = api.dataset_info(repo, revision=revision)
    except RevisionNotFoundError:
        return repo, "", {}
    files = {}
    for entry in api.list_repo_tree(repo, repo_type="dataset", revision=info.sha, recursive=True):
        if {"", ".", ".."} & set(entry.path.split("/")):  # no client writes that
            raise ScriptError(f"{repo}: the Hub lists {single_line(entry.path)[:100]!r}, which lies in no repository")
        size = getattr(entry, "size", None)
        inside = not folder or entry.path == folder or entry.path.startswith(f"{folder.rstrip('/')}/")
        if size and inside:
            files[entry.path] = size
    return info.id, info.sha, dict(sorted(files.items()))


def scan_remote(scanner: Scanner, part: Part) -> Found:
    """Fetch one file of a data set, scan it, and remove it: the disk holds one file for each process."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.utils import disable_progress_bars

    disable_progress_bars()
    found = Found()
    with tempfile.TemporaryDirectory(prefix="contamination-") as folder:
        with reading_hub(part.name):
            path = hf_hub_download(
                part.repo, part.path, repo_type="dataset", revision=part.revision, local_dir=folder, token=hub_token()
            )
        whole = ScanSettings(part=max(part.size, 1) * 1000, skip_broken=scanner.skip_broken)
        for own in file_parts(path, part.wanted, whole, part.name):
            add_found(found, scan_part(scanner, own), 0)
    return found


def save_indexes(indexes: Sequence[Index], folder: Path) -> None:
    """Write the indexes as files that several processes map into their memory."""
    import numpy as np

    for i, index in enumerate(indexes):
        numbers = {}
        for one in fields(Index):
            value = getattr(index, one.name)
            if isinstance(value, int):
                numbers[one.name] = value
                continue
            try:
                np.save(folder / f"{i}_{one.name}.npy", value)
            except OSError as error:
                raise ScriptError(f"{folder}: {error.strerror or error}; set TMPDIR, or --workers 1") from error
        write_whole(folder / f"{i}.json", json.dumps(numbers))


def load_indexes(folder: Path) -> list[Index]:
    """The indexes of save_indexes; their arrays share the memory of all processes that load them."""
    import numpy as np

    found = []
    while (path := folder / f"{len(found)}.json").is_file():
        numbers = json.loads(path.read_text(encoding="utf-8"))
        names = [one.name for one in fields(Index) if one.name not in numbers]
        arrays = {name: mapped(folder / f"{len(found)}_{name}.npy") for name in names}
        found.append(Index(**numbers, **{name: np.asarray(array) for name, array in arrays.items()}))
    return found


def mapped(path: Path) -> np.ndarray:
    """An array of a file, without reading it; an empty one cannot be mapped."""
    import numpy as np

    try:
        return np.load(path, mmap_mode="r")
    except ValueError:
        return np.load(path)


def start_worker(folder: str, settings: ScanSettings) -> None:
    """Prepare a process of the pool."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends the pool
    WORKER["scanner"] = Scanner(load_indexes(Path(folder)), settings)


def work(part: Part) -> Found:
    """Scan a part in a process of the pool."""
    return scan_part(WORKER["scanner"], part)


def scan_all(parts: Sequence[Part], indexes: list[Index], settings: ScanSettings) -> Found:
    """Scan all parts, on several processes when there is enough to do; `indexes` is emptied then."""
    total = Found()
    lines: Counter[str] = Counter()
    try:
        with contextlib.ExitStack() as stack:
            results = part_results(parts, indexes, settings, stack)
            for part, found in zip(parts, scan_progress(results, parts), strict=True):
                add_found(total, found, lines[part.name])
                lines[part.name] += found.lines
    except BrokenProcessPool as error:
        raise ScriptError("a process was ended from outside (out of memory?); try --workers 1") from error
    return total


def part_results(
    parts: Sequence[Part], indexes: list[Index], settings: ScanSettings, stack: contextlib.ExitStack
) -> Iterator[Found]:
    """What the parts hold, in their order."""
    workers = min(settings.workers, len(parts))
    if workers < 2 or sum(part.size for part in parts) < ONE_PROCESS:
        scanner = Scanner(indexes, settings)
        return (scan_part(scanner, part) for part in parts)
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="contamination-"))
    save_indexes(indexes, Path(folder))
    indexes.clear()  # the processes have it on disk
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, initializer=start_worker, initargs=(folder, settings))
    stack.callback(pool.shutdown, cancel_futures=True)
    return pool.map(work, parts)


def scan_progress(results: Iterator[Found], parts: Sequence[Part]) -> Iterator[Found]:
    """The results; on a terminal with a bar, a rate and the time left, when they take longer than about two seconds."""
    begun, done, bar = time.monotonic(), 0, None
    total = sum(part.size for part in parts)
    try:
        if total >= LONG and sys.stderr.isatty():
            bar = progress_bar()
            task = bar.add_task("scanning, MB", total=total // 10**6, rate="")
            bar.start()
        for part, found in zip(parts, results, strict=True):
            done += part.size
            if bar is not None:
                rate = done / (time.monotonic() - begun) / 1e6
                bar.update(task, completed=done // 10**6, rate=f"{rate:.0f} MB/s")
            yield found
    finally:
        if bar is not None:
            bar.stop()


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


# --- parts/fields.py --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shape:
    """What a field must be: the wording for people, and the check."""

    words: str
    fits: Callable[[Any], bool]


def number_shape(low: float, high: float) -> Shape:
    """A number between two bounds."""
    words = f"a number of {low:g} to {high:g}" if high < 1e9 else f"a number of at least {low:g}"
    return Shape(words, lambda value: is_number(value) and low <= value <= high)


def choice_shape(*choices: str) -> Shape:
    """One of some words."""
    return Shape(f"one of {', '.join(choices)}", lambda value: value in choices)


def is_texts(value: Any) -> bool:
    """Whether a value is a list of texts without control characters and what else is not seen, but ends of lines."""
    return isinstance(value, list) and all(isinstance(t, str) and t.replace("\n", " ").isprintable() for t in value)


TEXT = Shape("text", lambda value: isinstance(value, str))
TEXTS = Shape("a list of texts", is_texts)
MAPPING = Shape("a mapping", lambda value: isinstance(value, dict))
COUNT = Shape("a whole number of at least 0", lambda v: isinstance(v, int) and not isinstance(v, bool) and v >= 0)
YES_OR_NO = Shape("true or false", lambda value: isinstance(value, bool))


def check_fields(values: Mapping[Any, Any], shapes: Mapping[str, Shape], where: str) -> None:
    """ScriptError for a field that is not known or has a value of another kind; null leaves a field unset."""
    for name, value in values.items():
        if name not in shapes:
            hint = nearest(str(name), shapes) or f"; known are: {', '.join(shapes)}"
            raise ScriptError(f"{where}: unknown key {single_line(repr(name))[:60]}{hint}")
        if value is not None and not shapes[name].fits(value):
            shown = single_line(repr(value))
            shown = shown if len(shown) <= 40 else f"{shown[:39]}…"
            raise ScriptError(f"{where}: {name} is {shown}; it must be {shapes[name].words}")


def without_nulls(values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that are set."""
    return {name: value for name, value in values.items() if value is not None}


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


# --- parts/own_vocabulary.py ------------------------------------------------------------------------------------------

MOST_ENTRIES = 2_000
MOST_SAID = 50  # entries of a file that are said before any is used
SAID_AT_ONCE = 1_500  # characters, of one line
HARNESS_NAMES = ("lighteval", "inspect", "lm_eval", "helm")
# Options that name records, the first of these kinds that there is; metric_mapping.json is looked for beside them.
RECORD_OPTIONS = (("results", "baseline", "candidate"), ("checkpoints",), ("aa",))
SHORT_TEXT = Shape(
    "printable text of 1 to 100 characters",
    lambda value: isinstance(value, str) and value.isprintable() and 0 < len(value.strip()) <= 100,
)
OWN_FIELDS: dict[str, Shape] = {
    "kind": choice_shape("benchmark"),
    "name": SHORT_TEXT,
    "aliases": TEXTS,
    "category": SHORT_TEXT,
    "group": TEXT,
    "metric": SHORT_TEXT,
    "unit": SHORT_TEXT,
    "range": Shape(
        "two numbers, the lowest and the highest score (null: none)",
        lambda v: isinstance(v, list) and len(v) == 2 and all(end is None or is_number(end) for end in v),
    ),
    "lower_is_better": YES_OR_NO,
    "chance": number_shape(0, math.inf),
    "items": COUNT,
    "order": number_shape(-1e9, 1e9),
    **dict.fromkeys(HARNESS_NAMES, SHORT_TEXT),
}
RANGES = {"proportion": [0, 1], "percent": [0, 100]}


def own_entry(key: str, given: Mapping[str, Any], where: str) -> dict[str, Any]:
    """A whole entry of metric_mapping.json from what is said of an own benchmark; null where nothing is said."""
    check_fields(given, OWN_FIELDS, where)
    said = {name: value for name, value in given.items() if value is not None}
    low, high = said.get("range") or RANGES.get(said.get("unit"), [None, None])
    if "chance" in said and "unit" not in said:
        raise ScriptError(
            f"{where}: chance is {said['chance']:g}; say in which unit, as the scores are: unit: proportion"
        )
    chance = said.get("chance", low)
    if chance is not None and ((low is not None and chance < low) or (high is not None and chance > high)):
        raise ScriptError(f"{where}: chance is {chance:g}, outside the range of a score")
    if "category" in said:
        said["category"] = own_category(said["category"], where)
    fields = ("category", "group", "metric", "unit", "chance", "items", "order", *HARNESS_NAMES, "artificial_analysis")
    return {
        "kind": "benchmark",
        "name": said.get("name", key),
        "aliases": said.get("aliases", []),
        "range": [low, high],
        "lower_is_better": said.get("lower_is_better"),
        "hub": None,
        "model_index": None,
        "own": True,
        **{name: said.get(name) for name in fields},
    }


def own_category(text: str, where: str) -> str:
    """One of the fifteen categories by its usual spellings, or a category of one's own; ScriptError for a near miss."""
    slug = re.sub(r"\W+", "_", text.strip().lower()).strip("_") or "own"
    near = difflib.get_close_matches(slug, STEP_FORMULAS, 1, 0.9)
    if near and normalize_name(near[0]) != normalize_name(slug):
        raise ScriptError(f"{where}: no category {text!r} (did you mean {near[0]}?)")
    return near[0] if near else slug


def with_own_entries(mapping: Mapping[str, Any], content: Any, where: str) -> dict[str, Any]:
    """The mapping with the entries of another file; ScriptError where one is another benchmark's, or damaged."""
    if not isinstance(content, dict) or not all(isinstance(entry, dict) for entry in content.values()):
        raise ScriptError(f'{where}: {{"my_quiz": {{"name": "My quiz", "metric": "accuracy", ...}}}} is expected')
    if len(content) > MOST_ENTRIES:
        raise ScriptError(f"{where}: {len(content)} entries; at most {MOST_ENTRIES} are read")
    known = vocabulary_of(mapping)
    taken = dict(known.names)
    merged = dict(mapping)
    for key, given in content.items():
        if mapping.get(key) == given:  # a copy of what is known
            continue
        if not SHORT_TEXT.fits(key):
            raise ScriptError(f"{where}: {key[:40]!r} is no name of a benchmark")
        entry = own_entry(key, given, f"{where}: {key}")
        tasks = [entry[harness] for harness in HARNESS_NAMES if entry[harness]]
        for name in (key, entry["name"], *entry["aliases"], *tasks):
            other = taken.setdefault(normalize_name(bare_task(name)), known_task(known, name) or key)
            if other != key or key in mapping:
                raise ScriptError(
                    f"{where}: {key}: {name!r} is {other} already; a file of one's own adds benchmarks: another name"
                )
        merged[key] = entry
    return merged


def known_task(known: MetricMapping, name: str) -> str | None:
    """The benchmark that a name, or a task so called in any harness, is already; None for a new one."""
    found = (known.find_task(name, harness) for harness in HARNESS_NAMES)
    return next((key for key, _ in filter(None, found)), None)


def mapping_files(given: Iterable[Path], places: Iterable[Path]) -> list[Path]:
    """The files with own entries: those of --mapping, and metric_mapping.json beside all the records; each once.

    ScriptError (3) for one that stands beside some of the records only: it may have come with them.
    """
    found: dict[bytes, Path] = {}
    for path in given:
        if not path.is_file():
            raise ScriptError(f"--mapping {path}: no such file{near_place(path)}")
        found[input_bytes(path)] = path
    folders = dict.fromkeys(place if place.is_dir() else place.parent for place in places)
    beside = []
    for folder in folders:
        paths = (folder / MAPPING_FILE.name, folder / "results" / MAPPING_FILE.name)
        beside.append({input_bytes(path): path for path in paths if is_input(path) and path.resolve() != MAPPING_FILE})
    for content, path in itertools.chain(*(files.items() for files in beside)):
        if content not in found and any(content not in files for files in beside):
            raise ScriptError(
                f"{path} stands beside some of the records only, and would say of all what their benchmarks are: if it "
                f"is yours, {command_line_of(['--mapping', path])}, else move it away",
                code=3,
            )
        found.setdefault(content, path)
    return list(found.values())


def told_entry(entry: Mapping[str, Any]) -> str:
    """All that an own benchmark's entry decides: "metric f1, unit percent, less is better, also called their_quiz"."""
    said = [f"{name} {entry[name]}" for name in ("metric", "unit", "chance", "items") if entry.get(name) is not None]
    if entry["range"] not in ([None, None], RANGES.get(entry["unit"])):
        said.append("range " + " to ".join("open" if end is None else f"{end:g}" for end in entry["range"]))
    if entry["lower_is_better"] is not None:
        said.append("less is better" if entry["lower_is_better"] else "more is better")
    said += [f"{name} {entry[name]}" for name in ("category", "group", "order") if entry.get(name) is not None]
    said += [f"also called {', '.join(entry['aliases'])}"] if entry["aliases"] else []
    return ", ".join([*said, *(f"in {name}: {entry[name]}" for name in HARNESS_NAMES if entry[name])])


def say_entries(where: str, told: Iterable[str]) -> None:
    """Say what own entries decide, whole: in several lines where one would be cut."""
    for line in textwrap.wrap("; ".join(told), SAID_AT_ONCE) or [""]:
        note(f"note: {where}{': ' if line else ''}{line}")


def own_entries(entries: Mapping[str, Mapping[str, Any]], keys: Iterable[str | None]) -> list[str]:
    """What files with own entries say of the benchmarks of an answer (their keys), for its report: it decides there."""
    found = ((key, (entries.get(key) or {}).get("said")) for key in sorted({*keys} - {None}))
    return [f"{key} is a benchmark of one's own: {said}" for key, said in found if said]


def asked_mapping(args: argparse.Namespace) -> dict[str, Any]:
    """metric_mapping.json with the entries that a command line adds to it, said on stderr."""
    places: list[Path] = []
    for options in RECORD_OPTIONS:
        for value in (getattr(args, option, None) for option in options):
            places += map(Path, [value] if isinstance(value, str | Path) else value or ())
        if places := [place for place in places if place.exists()]:
            break
    mapping: dict[str, Any] = read_mapping()
    for path in mapping_files(map(Path, getattr(args, "mapping", None) or ()), places):
        merged = with_own_entries(mapping, read_json(path), str(path))
        new = sorted(set(merged) - set(mapping))
        told = {key: told_entry(merged[key]) for key in new}
        lines = [f"{key} ({said})" if said else key for key, said in told.items()]
        if (more := len(lines) - MOST_SAID) > 0:
            lines[MOST_SAID:] = [f"and {more} more: those that decide something are said with the answer"]
        say_entries(f"benchmarks of {path}, {len(new) or 'none that is'} new", lines)
        mapping = merged
        for key, said in told.items():
            mapping[key] |= {"said": f"{said or 'a name'} (says {shown_path(path)})"}
    return mapping


def read_vocabulary(args: argparse.Namespace | None = None) -> MetricMapping:
    """metric_mapping.json, which stands beside the scripts folder, with what a command line adds to it."""
    if not MAPPING_FILE.is_file():
        raise ScriptError(
            f"{MAPPING_FILE.name} is missing; it belongs beside the folder scripts/ (clone the whole project)"
        )
    return vocabulary_of(asked_mapping(args or argparse.Namespace()))


def add_mapping_option(add: Any) -> None:
    """--mapping, the same in every script."""
    add(
        "--mapping",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="benchmarks of your own: entries as in metric_mapping.json (also read beside the records)",
    )


# [cog.end]

if __name__ == "__main__":
    raise SystemExit(main())
