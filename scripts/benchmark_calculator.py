#!/usr/bin/env -S uv run --script
# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "huggingface_hub>=2.2,<3",
#     "markdown-it-py>=4,<5",
#     "matplotlib>=3.10,<4",
#     "numpy>=2,<3",
#     "orjson>=3.10,<4",
#     "python-dotenv>=1.1,<2",
#     "pyyaml>=6,<7",
#     "rich>=14,<16",
#     "scipy>=1.15,<2",
#     "threadpoolctl>=3.5,<4",
# ]
# ///
"""Rank the checkpoints of a training run, choose the best one and say how sure that is; fill its card, push it.

Reads a folder of checkpoints (step_100, checkpoint-500, global_step1000, iter_0000500, epoch_3, ckpt-7, ...) and the
evaluation records about them: Every Eval Ever 0.3.0 JSON files below CHECKPOINTS, or in the folders of --results, with
their samples. Writes a table (or JSON) to stdout; with --report, --figures and --prepare also files; with --push one
commit.

  uv run scripts/benchmark_calculator.py examples/tiny_run
  uv run scripts/benchmark_calculator.py examples/tiny_run --tie-break earliest --baseline-step 100
  uv run scripts/benchmark_calculator.py ./checkpoints --results race_results --plan-next
  uv run scripts/benchmark_calculator.py ./checkpoints --results results --json
  uv run scripts/benchmark_calculator.py ./checkpoints --benchmarks gsm8k,mmlu --report report.md --figures figures
  uv run scripts/benchmark_calculator.py ./checkpoints --prepare release --card MODEL_CARD.md --assets figures
  uv run scripts/benchmark_calculator.py ./checkpoints --prepare release --card CARD.md --push OWNER/NAME --dry-run
  uv run scripts/benchmark_calculator.py ./checkpoints --scoring step-formula

Scores: a benchmark's score is the record's; its category's is the mean of its benchmarks; eval_accuracy is the mean of
the categories, over what all compared checkpoints share. "step-formula" is a synthetic scoring computed from the step
number alone; it measures nothing, is marked everywhere, and is pushed only when --scoring step-formula is given.

Statistics: where samples lie beside the records, a joint paired bootstrap over items (the same items for every
checkpoint): 95 % intervals, P(best), rank intervals, the tied set (model confidence set), the winner's score corrected
for having been picked, the trend. Else from the records' standard errors; without those there are none, and it says so.
Runs that were not measured alike, or not validly, are shown as not comparable and not ranked (--allow-unlike).

Race: --plan-next reads what is measured so far, says which checkpoints are out, and prints the command that measures
what decides (exit 3: run it, ask again) or the choice (exit 0), with at most --race-budget of all samples.

Card: {RESULT} in a table row becomes the score of the benchmark (metric, shots) that the row names; {RESULT:gsm8k},
{RESULT:eval_accuracy}, {RESULT:step} and {RESULT:checkpoint} work anywhere. Nothing else changes: no empty cell, no TBD.

Exit codes: 0 done; 1 the answer is no (a card row cannot be filled, nothing to fill); 2 it could not be done (usage,
input, network, permission; stdout is empty); 3 undecided (a choice is needed; the message names the candidates).
"""

from __future__ import annotations

import argparse
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any


SYNTHETIC_MARK = "*Synthetic: computed from the step number of {} alone. Nothing was measured.*"
MIN_DRAWS = 200  # fewer tell nothing about a 95 % interval


def commit_message(ranking: Ranking) -> str:
    """One line that says what the commit holds and where its scores come from."""
    best = ranking.best
    source = "score_source: step-formula, synthetic" if ranking.synthetic else "score_source: measured"
    return f"Add checkpoint {best.checkpoint.name} (eval_accuracy {number(best.eval_accuracy)}, {source})"


def filled_card(args: argparse.Namespace, ranking: Ranking, vocabulary: MetricMapping) -> str:
    """The text of the card to be published; ScriptError when it cannot be filled or may not be pushed."""
    if args.push and ranking.synthetic and args.scoring != "step-formula":
        raise ScriptError("step-formula scores measure nothing; to push them all the same, say --scoring step-formula")
    mark = SYNTHETIC_MARK.format(ranking.best.checkpoint.name) if ranking.synthetic and not args.unmarked else ""
    card, remarks = fill_card(read_card(args.card), ranking, vocabulary, args.card_column or (), args.card_unit, mark)
    for line in remarks:
        note(f"note: {line}")
    return card


def publish(args: argparse.Namespace, ranking: Ranking, card: str) -> dict[str, Any]:
    """Prepare the folder and push it; what was done, for --json."""
    asks = args.dry_run and not args.token_file  # then what needs no token is told without one
    token = None if not args.push else hub_token() if asks else find_token(args.token_file)
    out, checkpoint = Path(os.path.abspath(args.prepare)), ranking.best.checkpoint
    if not out.name or inside(out, checkpoint.path):
        raise ScriptError(f"--prepare {args.prepare}: choose a folder outside the checkpoint")
    token_file = Path(args.token_file) if args.token_file else None
    assets = [Path(asset) for asset in args.assets or ()]
    try:
        files, secrets, state = plan_files(
            checkpoint, card, assets, Path(args.checkpoints), token_file, token, args.keep_training_state
        )
        state_bytes = sum(file.size for file in state)
        digests = {f.target: f.sha256 for f in files} if args.dry_run else {}
    except OSError as error:
        raise ScriptError(f"{error.filename or checkpoint.path}: {error.strerror or error}") from error
    if secrets:
        note(f"left out, they may hold secrets: {listing(secrets, 20)}")
    if state:
        names = listing(sorted({file.target.partition("/")[0] for file in state}), 20)
        note(f"left out, training state of {state_bytes:,} bytes: {names} (--keep-training-state publishes it)")
    prepared = {"path": args.prepare, "files": [f.target for f in files], "left_out": secrets}
    prepared |= {"training_state": [file.target for file in state]} if state else {}
    if args.dry_run:
        check_replaceable(out, out.with_name(f".{out.name}.prepared.json"))
        note(f"dry run: {len(files)} files would be prepared in {args.prepare}")
        done = {"prepared": prepared | {"dry_run": True}}
        if args.push:
            done["pushed"] = dry_push({f.target: f for f in files}, digests, commit_message(ranking), token, args)
        return done
    digests = prepare(out, files)
    note(f"prepared {checkpoint.name} in {args.prepare} ({len(files)} files)")
    if not args.push:
        return {"prepared": prepared}
    stays = f"the prepared folder {args.prepare} stays: run the same command again to go on"
    try:
        sent = push(
            {name: RepoFile(name, out / name) for name in digests}, digests, commit_message(ranking), token, args
        )
    except ScriptError as error:
        raise ScriptError(f"{error}; {stays}", error.code) from error
    except KeyboardInterrupt:
        note(stays)
        raise
    return {"prepared": prepared, "pushed": sent}


def write_outputs(args: argparse.Namespace, ranking: Ranking, vocabulary: MetricMapping) -> None:
    """The figures and the report, as far as they are wanted."""
    figures = write_figures(ranking, vocabulary, Path(args.figures)) if args.figures else []
    if figures:
        note(f"figures in {args.figures}: {', '.join(figures)}")
    if args.report:
        base = Path(args.report).resolve().parent
        names = [Path(os.path.relpath(Path(args.figures).resolve() / name, base)).as_posix() for name in figures]
        try:
            report = render_report(ranking, vocabulary, names).encode("utf-8", "backslashreplace").decode()
            write_output(Path(args.report), report, args.force)
        except OSError as error:  # its folder is a file
            raise ScriptError(f"--report {args.report}: {error.strerror}") from error
        note(f"report in {args.report}")


def run(args: argparse.Namespace) -> int:
    """Rank, write what was asked for, print; on exit 2 nothing is printed to stdout."""
    many_objects()
    check_usage(args)
    vocabulary = read_vocabulary(args)
    if args.history:
        document, text = model_history(args, vocabulary)
        print_data(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) if args.json else text)
        return 0
    if args.plan_next:
        return plan_next(args, vocabulary)
    ranking = make_ranking(args, vocabulary)
    done: dict[str, Any] = {}
    undone: ScriptError | None = None
    try:
        if args.prepare and ranking.undecided:
            raise ScriptError(f"--prepare: {undecided_line(ranking)}", code=3)
        card = filled_card(args, ranking, vocabulary) if args.card else ""
        write_outputs(args, ranking, vocabulary)
        if args.prepare:
            done = publish(args, ranking, card)
    except ScriptError as error:
        if error.code == 2:
            raise
        undone = error
    if args.json:
        document = ranking_json(ranking, args.full) | done
        print_data(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False))
    else:
        print_data(table_text(ranking, vocabulary))
    if undone:
        raise undone
    if ranking.open:
        raise ScriptError(undecided_line(ranking) if args.json else "undecided, as the answer says", code=3)
    return 3 if "unknown" in done.get("pushed", {}) else 0


def check_usage(args: argparse.Namespace) -> None:
    """ScriptError for options that need others."""
    if args.push and not (args.prepare and args.card):
        raise ScriptError("--push needs --prepare OUT and --card README.md: the folder to send is prepared first")
    if args.prepare and not args.card:
        raise ScriptError("--prepare needs --card README.md, the card whose {RESULT} cells are filled")
    if args.card and not args.prepare:
        raise ScriptError("--card needs --prepare OUT, the folder to prepare")
    if args.push and not re.fullmatch(r"[\w.-]+/[\w.-]+", args.push):
        raise ScriptError(f"--push {args.push}: OWNER/NAME is expected")
    if args.weights and args.score_function:
        raise ScriptError("--weights and --score-function exclude each other")
    if args.draws and args.draws < MIN_DRAWS:
        raise ScriptError(f"--draws {args.draws}: at least {MIN_DRAWS}, or 0 for no statistics")
    if args.smooth < 1 or args.seed < 0:
        raise ScriptError("--smooth takes a number of at least 1, --seed one of at least 0")
    if (args.baseline_step is not None or args.baseline_model) and (args.scoring == "step-formula" or not args.draws):
        raise ScriptError(
            "--baseline-step and --baseline-model compare measured scores by their statistics; leave them out"
        )
    if args.baseline_step is not None and args.baseline_model:
        raise ScriptError("--baseline-step and --baseline-model exclude each other")
    if args.scoring == "step-formula" and args.results:
        raise ScriptError("--scoring step-formula reads no records; leave --results out")
    if args.plan_next:
        check_race_usage(args)
    elif args.custom_tasks:
        raise ScriptError("--custom-tasks is for the command that --plan-next gives; leave it out")
    if args.history and (args.plan_next or args.prepare or args.report or args.figures):
        raise ScriptError(
            "--history shows one model's nights and writes nothing; leave the other commands' options out"
        )


def check_race_usage(args: argparse.Namespace) -> None:
    """ScriptError for options that --plan-next cannot keep."""
    others = (
        "report",
        "figures",
        "prepare",
        "card",
        "push",
        "score_function",
        "baseline_step",
        "baseline_model",
        "tie_break",
    )
    given = [f"--{name.replace('_', '-')}" for name in others if getattr(args, name) is not None]
    given += ["--smooth"] if args.smooth != 1 else []
    if given or args.scoring == "step-formula":
        raise ScriptError(
            f"--plan-next says what to measure next and writes nothing; leave {', '.join(given) or '--scoring'} out"
        )
    if not 0 < args.race_alpha < 1 or not 0 < args.race_budget <= 1:
        raise ScriptError("--race-alpha takes a probability between 0 and 1, --race-budget a share of at most 1")


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = CommandLine(description=__doc__)
    parser.rarely(
        "--custom-tasks",
        "--keep-training-state",
        "--race-alpha",
        "--race-budget",
        "--seed",
        "--unmarked",
        "--score-function",
    )
    add = parser.add_argument
    add("checkpoints", metavar="CHECKPOINTS", help="folder with the checkpoints of one training run")
    add("--results", nargs="+", metavar="DIR", help="folders with evaluation records (default: below CHECKPOINTS)")
    add(
        "--scoring",
        choices=("auto", "measured", "step-formula"),
        default="auto",
        help="auto: measured, where there are records",
    )
    add_mapping_option(add)
    add("--benchmarks", metavar="A,B", help="rank by these benchmarks or categories only")
    add(
        "--result-id",
        nargs="+",
        metavar="ID",
        help="which result ranks where a benchmark has several (task|shots/metric)",
    )
    add("--weights", metavar="FILE|reference", help="weights of the categories (JSON or YAML), or the reference's own")
    add(
        "--score-function",
        metavar="FILE.py",
        help="one function that turns the scores into the overall score (it is executed)",
    )
    add(
        "--tie-break",
        choices=("earliest", "latest", "smallest"),
        help="which one of those that cannot be told apart is `best` (default: the best point estimate)",
    )
    add("--baseline-model", metavar="ID", help="the best one's gain over this model, corrected for having been picked")
    add("--baseline-step", type=int, metavar="STEP", help="add each checkpoint's paired difference to this one")
    add("--smooth", type=int, default=1, metavar="N", help="rank by the mean over the last N checkpoints")
    add("--exclude", nargs="+", metavar="NAME", help="leave these checkpoints out, whatever their records say")
    add("--allow-unlike", action="store_true", help="rank runs that are not comparable all the same, and say so")
    clusters = "field of the samples' metadata that items of one passage share; none: the items are independent"
    add("--cluster-by", metavar="FIELD", help=clusters)
    add(
        "--draws", type=int, default=DRAWS, metavar="N", help="bootstrap draws; 0: no statistics (default: %(default)s)"
    )
    add("--seed", type=int, default=0, metavar="N", help="of the draws (default: %(default)s)")
    add("--plan-next", action="store_true", help="race: who is out, who remains, what to measure next (exit 3: go on)")
    add(
        "--race-alpha",
        type=float,
        default=0.05,
        metavar="P",
        help="--plan-next: probability that evidence takes the best one out (default: %(default)s)",
    )
    add(
        "--race-budget",
        type=float,
        default=0.3,
        metavar="SHARE",
        help="--plan-next: at most this share of all samples, checkpoints x items (default: %(default)s)",
    )
    add("--custom-tasks", metavar="FILE.py", help="--plan-next: the task file of the records, which its command runs")
    add("--history", type=positive, metavar="N", help="CHECKPOINTS is one model (folder or name): its last N nights")
    add("--json", action="store_true", help="one JSON document to stdout, the answer first")
    add("--full", action="store_true", help="--json with each score's interval, the records, the distributions")
    add("--report", metavar="FILE.md", help="write the ranking as Markdown")
    add("--force", action="store_true", help=FORCE_HELP)
    add("--figures", metavar="DIR", help="write the figures (PNG and SVG)")
    add("--prepare", metavar="OUT", help="copy the best checkpoint to OUT, with the filled card and the assets")
    add("--card", type=Path, metavar="README.md", help="the model card with {RESULT} placeholders")
    add("--card-unit", choices=CARD_UNITS, help="the unit of the card's numbers, where the card does not tell")
    add("--card-column", nargs="+", metavar="NAME", help="the column to fill, where several have {RESULT}")
    add("--unmarked", action="store_true", help="no line below tables of synthetic scores: the reference's own form")
    add("--assets", nargs="+", metavar="DIR", help="folders or files to put into OUT, under their own names")
    add("--keep-training-state", action="store_true", help="with --prepare: optimizer, schedule, random states, too")
    add("--push", metavar="OWNER/NAME", help="push OUT to this model repo on the Hub, in one commit")
    visible = parser.add_mutually_exclusive_group()
    visible.add_argument("--public", action="store_true", help="a repo that is made is public (default: private)")
    visible.add_argument("--private", action="store_true", help="the repo has to be private, also one that is there")
    add("--create-pr", action="store_true", help="open a pull request instead of a commit on main")
    add("--token-file", metavar="FILE", help="file with the Hub token (default: HF_TOKEN, `hf auth login`, .env)")
    add(
        "--dry-run",
        action="store_true",
        help="with --prepare and --push: say what would be done, write and send nothing",
    )
    parser.set_defaults(run=run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code is the answer."""
    return run_main(build_parser(), argv)


# Written in parts/ and put here by `uv run parts/assemble.py`: change it there.
# [cog[
# import assemble
# assemble.include(
#     "checkpoints", "command_line", "frame", "hub.token", "outputs", "own_vocabulary", "ranking.card",
#     "ranking.figures", "ranking.nights", "ranking.prepare", "ranking.push", "ranking.race_plan", "ranking.rank",
#     "ranking.report", "ranking.vocabulary", "vocabulary"
# )
# ]cog]

import atexit
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
import html
import importlib
import io
import itertools
import math
import mmap
import shlex
import shutil
import signal
import stat
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
from collections.abc import Callable, Collection, Container, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cache, cached_property, partial
from itertools import count, pairwise
from operator import attrgetter
from pathlib import PurePosixPath
from statistics import NormalDist
from types import MappingProxyType
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, NoReturn, TextIO, TypeVar
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import numpy as np
    from parts.ranking.certainty import TaskData


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


# --- parts/patterns.py ------------------------------------------------------------------------------------------------


class Regex:
    """A regular expression like those of `re.compile`, whose methods are there from the first use of one on."""

    def __init__(self, pattern: str, flags: int = 0) -> None:
        self.pattern, self.given = pattern, flags

    def __getattr__(self, name: str) -> Any:
        """What stands in the compiled one by a name; all of its methods are kept, and found without this from then."""
        if name.startswith("__"):  # asked by what copies
            raise AttributeError(name)
        made = re.compile(self.pattern, self.given)
        names = ("findall", "finditer", "fullmatch", "match", "search", "split", "sub", "subn")
        self.__dict__.update((own, getattr(made, own)) for own in names)
        return getattr(made, name)


# --- parts/cards/text.py ----------------------------------------------------------------------------------------------

MAX_CELL_TEXT = 4_000  # characters of a cell that are looked at
MAX_LABEL = 400  # characters of a header or label that are looked at

_SPECIAL = Regex(r"[*_`<&\\\[~$^\n\t{\u00ad\u200b-\u200f\u2060\ufeff\uff05-\uff19]")
_ODD_LETTER = Regex(r"[\u00ad\u200b-\u200f\u2060\ufeff\uff05\uff0e\uff10-\uff19]")  # unseen, or of full width
_FULL_WIDTH = {**{chr(0xFF10 + n): str(n) for n in range(10)}, "％": "%", "．": "."}
_STRUCK = Regex(r"~~(?!\s)[^~\n]{1,300}~~")
_BOLD_NUMBER = Regex(r"\s*\*\*([\d.,%\s]+)\*\*\s*")
_BREAK = Regex(r"(?i)<\s*(?:br|/p|/div|/li|hr)\b[^<>]{0,200}>")
_SUB_OR_SUP = Regex(r"(?i)<su[bp]\b[^<>]{0,200}>")
_SUP = Regex(r"(?is)<sup\b[^<>]{0,200}>(.{0,400}?)</sup\s*>")
_FOOTNOTE = Regex(r"[\s*†‡§¶#^,]*(?:\d{1,2}|[a-g]|[ivx]{1,4})?[\s*†‡§¶#^,\d]*|\[\d{1,2}\]|\(\d\)")
_HIDDEN = Regex(r"(?i)<(script|style|del|s|strike)\b[^<>]{0,200}>(?:[^<]|<(?!\1\b)){0,2000}?</\1\s*>")
_MAY_UNDISPLAY = Regex(r"(?i)<[^<>]*(?:\bhidden\b|\bstyle\s*=)")
_STYLE_BLANKS = Regex(r"/\*.*?\*/|\s+", re.S)
_TAG = Regex(r"</?[a-zA-Z][^<>]{0,1000}>|<!--.{0,1000}?-->", re.S)
_IMAGE = Regex(r"!\[[^\[\]]{0,300}\](?:\((?:[^()]|\([^()]{0,200}\)){0,1000}\)|\[[^\[\]]{0,100}\])?")
_LINK = Regex(r"\[([^\[\]]{0,500})\](?:\((?:[^()]|\([^()]{0,200}\)){0,1000}\)|\[[^\[\]]{0,100}\])")
_FOOTNOTE_REF = Regex(r"\[\^[^\[\]\s]{1,40}\]")
_LATEX_GROUP = Regex(
    r"\\(?:text(?:bf|it|rm|sc|tt|sf)?|math(?:bf|rm|it|sf|tt|bb)|boldsymbol|bm|bf|underline|emph|mbox|uline|"
    r"textcolor\{[^{}]{0,30}\}|color\{[^{}]{0,30}\})\s*\{([^{}]{0,300})\}"
)
_LATEX_WORDS = {
    r"\pm": " ± ", r"\ddagger": "‡", r"\uparrow": "↑", r"\downarrow": "↓", r"\times": "×", r"\tau": "τ",
    r"\dagger": "†",    r"\ast": "*", r"\star": "*",
    r"\geq": "≥", r"\leq": "≤", r"\approx": "≈", r"\sim": "~",
    r"\%": "%", r"\,": " ", r"\;": " ", r"\ ": " ",
    r"\Delta": "Δ", r"\alpha": "α", r"\beta": "β", r"\mu": "μ", r"\bf": "", r"\rm": "", r"\quad": " ",
}  # fmt: skip
_LATEX_WORD = Regex(r"\\(?:[a-zA-Z]+|[%,; ])")
_MATH = Regex(r"\$\$?([^$\n]{1,400})\$\$?")
# Each alternative begins with its mark, so that the next mark is found quickly in a long text.
_EMPHASIS = Regex(r"\*\*(?:(?<!\\\*\*)(?=\S)|(?<=[^\s\\]\*\*))|__(?:(?<![\w\\]__)(?=\S)|(?<=[^\s\\]__)(?!\w))")
_ITALIC = Regex(r"(?<![\w*\\])\*([^*\s](?:[^*\n]{0,300}[^*\s\\])?)\*(?![\w*])")
_UNDERLINE = Regex(r"(?<![\w\\])_([^_\s](?:[^_\n]{0,300}[^_\s\\])?)_(?!\w)")
_ESCAPE = Regex(r"\\([!-/:-@\[-`{-~])")
MARKS = "*†‡§¶^#ᵃᵇᶜ⁎∗＊"
DECOR = "↑↓⬆⬇⇑⇓↗↘🥇🥈🥉🏆⭐✨🔥🚀🌟📈🎉🤗\ufe0f🆕👑💥"
_DECOR_MARK = Regex(f"[{DECOR}]")
_TAIL_MARKS = f" {MARKS}¹²³⁴⁵⁶⁷⁸⁹"
_SHARP = Regex(r"(?<!\w)[CF]#$")  # languages, no footnotes
_REFERENCE_TAIL = Regex(r"\[\d{1,2}\]$")


def plain_text(source: str) -> str:
    """A cell's or heading's text as rendered: markup, links, footnote marks and LaTeX resolved; lines kept.

    "[**Foo**](u)<br>(5-shot)" -> "Foo\\n(5-shot)"; "$85.2_{\\pm 0.3}$" -> "85.2 ± 0.3"
    """
    if not has_markup(source):
        return source.strip()
    source = source[:MAX_CELL_TEXT]
    if match := _BOLD_NUMBER.fullmatch(source):
        return match[1].strip()
    return _plain_text(source)


def has_markup(source: str) -> bool:
    """Whether a source may be read otherwise than it stands."""
    return _SPECIAL.search(source) is not None or "  " in source or len(source) > MAX_CELL_TEXT


@functools.lru_cache(maxsize=4096)
def _plain_text(text: str) -> str:
    if not text.isascii():
        text = _ODD_LETTER.sub(lambda m: _FULL_WIDTH.get(m[0], ""), text)
    if "<" in text:
        text = shown_html(text) if _MAY_UNDISPLAY.search(text) else text
        text = _HIDDEN.sub("", text)
        whole = text.strip()
        text = _SUP.sub(lambda m: _superscript(m, whole), text)
        text = _TAG.sub("", _SUB_OR_SUP.sub(" ", _BREAK.sub("\n", text)))
    if "[" in text:
        text = _FOOTNOTE_REF.sub("", text)
        text = _LINK.sub(_link_text, _IMAGE.sub("", text))
    if "$" in text or "\\" in text:
        text = _MATH.sub(lambda m: _latex(m[1]), text)
        if "\\text" in text or "\\underline" in text or "\\pm" in text:
            text = _latex(text)
    if "~~" in text:
        text = _STRUCK.sub("", text)
    if "**" in text or "__" in text:
        text = _EMPHASIS.sub("", text)
    if "*" in text:
        text = _ITALIC.sub(r"\1", text)
    if "_" in text:
        text = _UNDERLINE.sub(r"\1", text)
    if "&" in text:
        text = html.unescape(text)
    text = text.replace("`", "")
    if "\\" in text:
        text = _ESCAPE.sub(r"\1", text)
    if "\n" not in text:
        return " ".join(text.split())
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return "\n".join(line for line in lines if line)


def _link_text(match: re.Match[str]) -> str:
    """The text of a link; a number behind a number is a reference ("85.2 [3](url)"), no second score."""
    before = match.string[: match.start()].rstrip(" *_`")[-1:]
    return "" if before.isdigit() and match[1].strip(" *[]").isdigit() else match[1]


def _superscript(match: re.Match[str], whole: str) -> str:
    """A footnote mark goes; a superscript that is part of a word ("τ<sup>2</sup>-Bench") or the whole text stays."""
    inner = _TAG.sub("", match[1]).strip()
    alone = match.start() == 0 and match.end() >= len(whole)
    follows = match.string[match.end() : match.end() + 1]
    inside = bool(follows) and (follows.isalnum() or follows == "-") and match.string[: match.start()][-1:].isalpha()
    if inside and len(inner) <= 3:
        return inner
    return f" {inner}" if alone or not _FOOTNOTE.fullmatch(inner) else " "


def _latex(text: str) -> str:
    """The text of a LaTeX formula as far as score tables use it."""
    for _ in range(3):
        text, changed = _LATEX_GROUP.subn(r"\1", text)
        if not changed:
            break
    text = _LATEX_WORD.sub(lambda m: _LATEX_WORDS.get(m[0], m[0]), text)
    text = re.sub(r"\^\{?([*†‡§, ]+|\\[a-z]+)\}?", "", text)
    text = re.sub(r"_\{([^{}]{0,80})\}", r" \1", text)
    return re.sub(r"\^\{?(\w)\}?|[{}]", lambda m: m[1] or "", text)


@functools.lru_cache(maxsize=8192)
def label_text(text: str) -> str:
    """One line without footnote marks, arrows and medals, cut to MAX_LABEL: "MMLU-Pro*↑" -> "MMLU-Pro"."""
    text = " ".join(text.split())[:MAX_LABEL]
    if text.isascii() and text[-1:].isalnum():
        return text
    text = _DECOR_MARK.sub(" ", text)
    if _SHARP.search(text):
        return text
    while (shorter := _REFERENCE_TAIL.sub("", text.rstrip(_TAIL_MARKS))) != text:
        text = shorter
    return " ".join(text.lstrip("*†‡§•●○▪- \u3000").split())


@functools.lru_cache(maxsize=4096)
def folded_label(text: str) -> str:
    """A label as it is compared: markup and case off."""
    return label_text(plain_text(text)).casefold()


def shown_html(text: str) -> str:
    """HTML without the elements that a page does not show, or strikes out."""
    from lxml import etree

    body = parse_html(text).find("body")
    for element in body.iter():
        if is_hidden(element) or is_struck(element):
            element.tag = "x-gone"
    etree.strip_elements(body, "x-gone", with_tail=False)
    shown = "".join(etree.tostring(inner, encoding="unicode", method="html") for inner in body)
    return html.escape(body.text or "", quote=False) + shown


def is_hidden(element: Any) -> bool:
    """Whether a page does not show an element: a template, the attribute `hidden`, or a style that says so."""
    if element.tag == "template":
        return True
    if not element.keys():
        return False
    return element.get("hidden") is not None or has_style(element, "display:none", "visibility:hidden")


def is_struck(element: Any) -> bool:
    return bool(element.keys()) and has_style(element, "line-through")


def has_style(element: Any, *names: str) -> bool:
    style = element.get("style")
    return bool(style) and any(name in _STYLE_BLANKS.sub("", style).lower() for name in names)


def parse_html(stream: str) -> Any:
    """The HTML as a tree; ScriptError when lxml had to stop before its end, which it does without a word."""
    from lxml import etree

    parser = etree.HTMLParser(huge_tree=True, remove_comments=True, remove_pis=True, recover=True)
    root = etree.fromstring(f"<body>{stream}</body>".replace("\0", ""), parser)
    if any(
        error.type_name in ("ERR_RESOURCE_LIMIT", "ERR_INTERNAL_ERROR", "ERR_NAME_TOO_LONG")
        for error in parser.error_log
    ):
        raise ScriptError(
            "the card's HTML is nested too deep to be read whole (more than 2,000 open tags); nothing is taken"
        )
    return root if root is not None else etree.Element("body")


# --- parts/cards/labels.py --------------------------------------------------------------------------------------------

# fmt: off
CARD_WORDS = {'other_models': 'instruct chat sft rlhf dpo posttrained finetuned base pretrained foundation baseline gpt chatgpt '
                 'llama mistral mixtral gemma qwen deepseek falcon claude gemini vicuna internlm baichuan chatglm '
                 'palm',
 'suites': 'glue super_glue mteb beir aa_intelligence_index',
 'sections_of_all': 'evaluation evaluations eval benchmark benchmarks experimental erratum errata correction '
                    'corrections conventions',
 'says_benchmark': 'benchmark benchmarks bench task tasks subtask subtasks eval evals evaluation evaluations '
                   'capability capabilities ability abilities skill skills suite 任务 评测 基准 能力 ベンチマーク 벤치마크',
 'data_names': 'libri ?speech|fleurs|common '
               '?voice|coco(?!a)|imagenet|flores|wmt|newstest|tatoeba|aishell|gigaspeech|voxpopuli|ted-?lium|earnings|\\btest-(?:clean|other)',
 'facts': '参数量 参数数量 模型大小 大小 显存 显存占用 内存 速度 推理速度 排名 名次 时间 耗时 时长 训练时长 价格 成本 上下文长度 上下文 层数 维度 题数 平均长度 长度 提升 变化 下载量 下载 '
          '首字延迟 延迟 吞吐量 吞吐 发布时间 链接 许可证 パラメータ数 パラメーター数 パラメータ サイズ 順位 コンテキスト長 メモリ 長さ 価格 파라미터 파라미터수 크기 순위 속도 메모리 길이 비용 '
          '가격 größe geschwindigkeit speicher kosten platz paramètres taille vitesse mémoire coût rang tamaño '
          'parámetros velocidad memoria costo puesto размер параметры параметров скорость память место стоимость '
          '温度 采样次数 量化位数 样本数 量化 kld snr sparsity resolution beam beams iterations rounds attempts tries fold '
          'contamination contaminated overlap pvalue pvalues items se params param parameters parameter tokens '
          'token tok throughput latency speed speedup rtf rtfx fps qps ttft tpot itl flops gflops tflops macs '
          'gmacs vram ram gpu gpus cpu cpus tpu tpus npu hardware device devices memory mem storage price pricing '
          'cost costs usd dollars energy power carbon co2 emissions tdp hours hour hrs minutes seconds secs '
          'duration runtime time date dates year released release cutoff license licence licenses download '
          'downloads link links url paper github huggingface hf modelscope weights checkpoint checkpoints ckpt '
          'demo blog colab arxiv repo repository likes stars layers layer heads head experts dim dims dimension '
          'dimensions hidden vocab vocabulary context ctx window length len seqlen architecture arch backbone '
          'encoder decoder precision dtype bits bpw quantization quant format file files size sizes epoch epochs '
          'step steps loss lr optimizer warmup dropout temperature seed batch rank ranking ranks place position '
          'votes battles count counts support number samples sample examples instances rows words chars characters '
          'sentences stderr std stdev ci interval variance margin delta diff difference improvement gain change '
          'gap degradation recovery retention recovered version versions revision commit status notes note comment '
          'comments remark remarks description reference references index id no organization organisation org '
          'vendor provider developer creator company author country factor density budget languages tp ap turns δ',
 'fact_fillers': 'visual target draft speculative sampling total active activated act trainable model models '
                 'learnable non embedding embeddings dense expert number num of the n per in on for avg average '
                 'mean max maximum min minimum peak required recommended usage used training train pretraining pre '
                 'inference generation decode decoding prefill input output prompt response native token tokens '
                 'context sequence seq data dataset test validation val eval evaluation second sec s ms gb mb gib '
                 'relative rel vs from over to time real knowledge release open source commercial use error err '
                 'standard deviation confidence global overall local type method level scheme effective weight '
                 'weights file disk kv cache attention intermediate up consumption footprint requirement '
                 'requirements count capacity bandwidth rate and wall clock cut off api gpu a100 h100 v100 b m k t '
                 'pretrain emitted',
 'weak_facts': 'se knowledge count position time format context memory power number reference gain change place '
               'index size length description energy speed recovery difference retention precision',
 'fact_units': 'gb gib mb mib ms sec secs second seconds min minutes h hr hrs hours days w kw kwh b m k t bn '
               'billion billions million millions trillion trillions tokens token tok/s tokens/s token/s it/s s/it '
               'fps hz khz px params bits usd gpu-hours tco2eq tco2',
 'measures': '准确率 正确率 top1 acc accuracy em match f1 fscore precision recall specificity sensitivity bleu sacrebleu '
             'bleurt chrf chrf1 chrf2 rouge rouge1 rouge2 rougel rougelsum ter wer cer mer comet meteor bertscore '
             'ppl perplexity bpb bpc mcc auc auroc map mrr ndcg anls winrate elo rating ratings percentile '
             'resolved success rmse mae mse r2 pearson spearman cider spice fid clipscore iou miou dice kappa mos '
             'ssim psnr lpips der eer mc1 mc2 matthews correlation passrate strict loose judge prec',
 'measure_fillers': 'prompt inst instruction relaxed exact quasi macro micro weighted balanced average avg mean '
                    'final top top1 top5 strict loose length controlled lc normalized norm overall unweighted raw '
                    'corpus sentence char greedy zero answer execution exec rate score scores level win error word '
                    'character single multiple multi attempt attempts judge gpt 4 gpt4 k f 1 5 ++ byte bits per em '
                    'flexible extract none filter get response l lsum r p percent pass roc c hit hits resolve task '
                    'correct',
 'average_words': '平均 平均分 平均值 总分 总体 avg average mean overall total all aggregate macro micro',
 'value_heads': 'score scores value values result results performance quality ours our model this the number 得分 分数 '
                '结果 成绩 スコア 점수',
 'benchmark_heads': 'benchmark benchmarks bench task tasks subtask subtasks dataset datasets testset testsets data '
                    'test tests set sets eval evals evaluation evaluations capability capabilities ability skill '
                    'skills metric metrics name type suite group groups category categories subject domain 数据集 任务 '
                    '评测集 评测 基准 能力 指标 ベンチマーク 벤치마크',
 'benchmark_fillers': 'name names suite aa measured 0 shot the of and',
 'model_heads': 'model models method methods system systems llm llms checkpoint checkpoints agent agents backbone '
                '模型 模型名称 モデル 모델 modelo modell modèle модель',
 'group_heads': 'category categories capability capabilities domain domains topic topics area areas type types '
                'group groups section sections skill skills modality ability dimension field subject 类别 能力 能力维度 类型 '
                '分类 领域',
 'common_languages': 'english chinese multi multilingual bilingual language languages lang',
 'filter_words': 'flexible strict extract match',
 'plain_brackets': 'ours?|official|(?:self-)?reported|published|paper|(?:\\d+ ?% )?(?:ci|confidence '
                   'interval)|avg|average|mean|sota|new',
 'said_heads': 'comment comments remark remarks note notes description descriptions checkpoint checkpoints weights '
               'weight caveat caveats detail details unit units direction',
 'plain_cells': 'link links url urls download downloads paper license licence org organization organisation '
                'organizations developer company vendor provider creator author hf huggingface hugging face github '
                'modelscope demo country open source rank ranking date released release',
 'command_tells': 'metric[=: '
                  ']+(?!acc|exact|em\\b|f1|pass@1\\b|pass_at_1)\\S+|load_in_[48]bit=(?:true|1)|quantization[= '
                  '](?!none)\\S+|limit[=: ]+\\d+|--split[= ](?:dev|val|train)\\w*|revision[=: '
                  ']+(?!main\\b)\\S+|(?:peft|lora|adapter)\\w*[=: ]+\\S+|maj@\\d+|--(?:n_samples|num_samples|n)[= '
                  '](?!1\\b)\\d+|\\S+\\.gguf|\\S*-(?:gptq|awq)\\b',
 'setup_sections': 'erratum errata correction corrections conventions setup settings setting notes note details '
                   'detail remarks protocol methodology method methods configuration caveats caveat disclaimer '
                   'disclaimers evaluation evaluations eval benchmark benchmarks experimental experiment about the '
                   'on our results 评测设置 设置 说明 备注 细节',
 'setup_heads': 'erratum errata correction corrections conventions setup settings setting notes note details '
                'detail remarks protocol methodology configuration caveats caveat disclaimer disclaimers 评测设置 设置 '
                '说明 备注 细节',
 'others': 'other others further various family families series large larger open source closed proprietary '
           'commercial competitor competitors competing baseline baselines sota leading popular similar comparable '
           'community retrieval long full fine tuned tuning finetuned finetuning release releases released version '
           'versions',
 'roles': 'before after student teacher original new old adapter this ours base vanilla baseline finetuned fine '
          'tuned tuning with without the model reasoning thinking on off raw merged sft dpo rlhf chat instruct '
          'lora qlora pretrained w trained untrained',
 'everyday_keys': 'drop apps frames include record nexus',
 'topics': 'math maths mathematics mathematical arithmetic algebra geometry calculus code coding programming '
           'software reasoning knowledge language languages linguistics translation summarization summarisation '
           'writing creative chat dialogue dialog conversation safety instruction instructions following agent '
           'agents agentic tool tools use stem humanities social science sciences scientific other others history '
           'law legal medicine medical clinical health biology chemistry physics economics finance financial '
           'business philosophy psychology literature arts logic logical deduction commonsense common sense '
           'reading comprehension qa question answering understanding vision visual image images video videos '
           'audio speech ocr document documents chart charts diagram table tables infographic long short context '
           'retrieval classification clustering reranking sts similarity multilingual english hard easy medium '
           'level general professional roleplay role play extraction planning brainstorming factuality '
           'truthfulness helpfulness honesty world geography culture data analysis python java javascript rust go '
           'cpp php ruby kotlin swift bash typescript scala sql perl julia lua racket haskell all total overall '
           'both perception cognition counting position color existence spatial temporal object attribute action '
           'text textual fine coarse grained single multi relation in out domain of and the with to from on for '
           'news web books wiki wikipedia clean test dev val validation set split main public train',
 'language_codes': 'ar bn ca cs da de deu el es eu fa fi fr fra he hi hu id it ita ja jp jpn ko kor kr ms nl no pl '
                   'por pt ro ru rus spa sv sw ta te th tr uk ur vi zh zho cn',
 'telling_names': 'wer cer elo perplexity macro micro devtest dev reasoning thinking top-1 top-5 judge',
 'telling_facts': '温度 采样次数 量化位数 样本数 量化 checkpoint ckpt sparsity temp beam beams iterations rounds attempts tries '
                  'fold samples votes bits bpw wbits temperature temp step steps epoch epochs budget trials '
                  'generations',
 'setting_heads': 'language languages lang langpair split subset subsets setting settings config configuration '
                  'mode modes prompt prompting strategy subtask pair 语言',
 'kinds_tuned': 'instruct instruction chat chatbot sft rlhf dpo aligned alignment posttrained finetuned 对话 指令 rlhf '
                'rl',
 'kinds_base': 'base pretrained foundation 基座 预训练',
 'modes': 'new best thinking nonthinking reasoning nonreasoning think tools tool browsing search python cot tir '
          'greedy low medium high minimal effort budget mode off on with without w no non wo enabled disabled fast '
          'hybrid step original half',
 'soft': 'hf v1 v1.0 v0.1 v0.2 v0.3 v2 v2.0 v3 version preview moe dense vision vl multimodal model it llm',
 'vendors': 'meta google microsoft nvidia ibm openai alibaba mistralai anthropic ai tencent bytedance huggingface '
            'facebook amazon apple cohere',
 'quantized': 'bits int2 int3 int4 int5 int6 int8 fp4 fp6 fp8 nf4 mxfp4 nvfp4 w4a16 w8a8 w4a8 w8a16 4bit 8bit 3bit '
              '2bit 4bits 8bits awq gptq gguf ggml exl2 mlx bnb quantized qat lora qlora pruned distill distilled '
              'adapter 4 8 bit int fp quantization quantisation quantised',
 'neutral': 'ours our we this model the work proposed 本模型 我们 我们的 我们的模型 本 当 モデル 本モデル 当モデル 우리 본 모델 unser modell '
            'notre modele nuestro nosso modelo наша модель models',
 'ours': 'ours|our (?:model|method|system)|this (?:model|work|repo(?:sitory)?)|本模型|我们(?:的模型)?|[本当]モデル|(?:우리|본) '
         '?모델|unser modell|notre modèle|nuestro modelo|nosso modelo|наша модель',
 'benchmark_shapes': 'mmlu|gsm-?8k|human-?eval|mbpp|bench|eval(?:uation|plus|\\+)?\\b|qa\\b|qa[-_v]|arc(?<=\\barc)\\b|arc[-_ '
                     ']|hella ?swag|winogrande|truthful|math(?<=\\bmath)\\b|math[-_ '
                     ']?\\d|aime(?<=\\baime)|gpqa|bbh(?<=\\bbbh)\\b|codeforces|arena|hle(?<=\\bhle)\\b|swe-|squad|drop(?<=\\bdrop)\\b|race(?<=\\brace)\\b|piqa|boolq|lambada|glue\\b|mteb(?<=\\bmteb)|beir(?<=\\bbeir)|flores|wmt(?<=\\bwmt)|libri '
                     '?speech|fleurs|common '
                     '?voice|coco|imagenet|vqa|ocr|mmmu|ai2d|gaokao|xnli|belebele|bbq|ruler|needle|bfcl|tau-?\\d|τ|newstest|tatoeba|imdb|sst-?\\d|mnli|stsb?\\b|livecode|multipl-?e|spider|swag|test(?:-clean|-other)|aishell|gigaspeech',
 'eval_words': 'evaluat\\w*|benchmark\\w*|results?|scores?|leaderboards?|accuracy|comparisons?|metrics?|capabilit\\w+|quality|eval|evals|experiments?|wer|bleu|mteb|评测|评估|结果|效果|榜|성능|평가|評価',
 'splits': 'val(?:idation)?|test|dev|testmini|full|all|public|test[-_ ]?\\w{1,6}|dev[-_ ]?\\w{1,6}|\\d[\\d.k]*',
 'notes': [['\\b(?:no|without|w/o)[ -]*(?:python|tools?|search|browsing)\\b', None],
           ['\\b(?:non|no)[- ]?(?:think(?:ing)?|reasoning)\\b|\\bwithout '
            '(?:thinking|reasoning)\\b|\\b(?:thinking|reasoning)[- ](?:mode )?off\\b',
            'Non-thinking'],
           ['\\bthink(?:ing)?\\b|\\breasoning[- ](?:mode|on)\\b', 'Thinking'],
           ['(?:\\bwith|\\bw/|\\+)[ -]*python\\b', 'With Python'],
           ['(?:\\bwith|\\bw/|\\+)[ -]*(?:tools?|search|browsing)\\b|^tools?$', 'With tools'],
           ['\\btext[- ]only\\b', 'Text only']],
 'plain_notes': 'ours our official reported self reproduced published paper original default standard full public '
                'v0 lm eval harness leaderboard vllm opencompass lighteval inspect agentic greedy m matched',
 'many_languages': 'agieval mgsm mmmlu belebele xnli xcopa flores_200 longbench gaokao paws_x xstorycloze include '
                   'mkqa',
 'derived': 'abliterated uncensored heretic unaligned decensored',
 'asked_heads': 'level levels difficulty k turns turn year contaminated contamination temperature temp context ctx '
                'data 难度 温度',
 'count_heads': 'samples sample items item questions question examples instances problems n size count 题数 样本数 数量',
 'edition_heads': 'version ver variant edition 版本',
 'heading_metrics': 'ppl perplexity wer cer bpb bpc ter mse rmse mae fid der eer',
 'metric_signs': {'困惑度': 'perplexity', '词错误率': 'wer', '字错误率': 'cer'},
 'tail_metrics': 'acc em f1 bleu sacrebleu chrf ter wer cer mer ppl mcc auc ndcg mrr rouge-1 rouge-2 rouge-l bpb',
 'size_heads': '参数量 模型大小 大小 サイズ パラメータ数 파라미터 크기 size params parameters param precision quantization quant bits '
               'dtype version',
 'log_words': 'epoch epochs step steps loss',
 'tuned_text': '\\b(?<!Evol-)(?<!Self-)(?:[Ii]nstruct(?:ion)?s?(?![- '
               ']?(?:[Ff]ollow|[Ee]val|[Bb]ench|[Dd]ata))|INSTRUCT|[Cc]hat(?:[Bb]ot)?(?! '
               '?[Aa]rena)|CHAT|[Ff]ine-?\\s?[Tt]uned|[Pp]ost-?\\s?[Tt]rain(?:ed|ing)|[Aa]ligned|SFT|RLHF|DPO|IT)\\b|对话模型|指令',
 'base_text': '\\b(?:[Bb]ase|BASE|[Pp]re-?\\s?[Tt]rained|[Ff]oundation(?:al)?|PT)\\b(?! on)|基座|预训练',
 'not_a_share': 'elo rating points score ppl perplexity loss wer cer ter fid mse index',
 'plain_headings': 'ベンチマーク 벤치마크 評価 性能 성능 평가 评价 性能评测 nlu nlg evaluation evaluations evaluating evaluated eval evals '
                   'results result benchmark benchmarks benchmarking performance model models score scores metric '
                   'metrics summary overview main full quality accuracy detailed overall final testing test tests '
                   'set sets validation dev report reports training train open llm leaderboard leaderboards '
                   'analysis comparison experiments experiment on of the and for in with by from our this a an to '
                   'at is as task tasks data dataset datasets word error rate zero few shot shots general standard '
                   'academic public english chinese multilingual language languages detail details quantitative '
                   'automatic human reported measured harness lm eval average averages downstream classification '
                   'retrieval translation summarization generation recognition speech 评测 评测结果 结果',
 'version_heads': 'version versions ver generation step steps epoch epochs checkpoint ckpt',
 'siblings': 'vl vision visual audio omni code coder math mini small medium large xl plus pro max ultra lite light '
             'turbo flash preview nano tiny huge next guard embed embedding reranker reward rm long',
 'metric_qualifiers': 'strict loose flexible norm lc macro micro weighted relaxed quasi',
 'no_metrics': 'none level score scores proportion percent points mixed unknown',
 'row_label_fillers': 'score scores rate avg average mean metric level overall percent shot shots on the',
 'shot_heads': 'shot shots fewshot nshot kshot icl demonstrations',
 'shot_fillers': 'few n k num number of examples in context the default setting settings',
 'metric_heads': 'metric metrics measure measures filter filters scorer scorers scoring 指标',
 'row_setting_heads': 'setting settings setup protocol config configuration mode modes prompt prompts prompting '
                      'template strategy cot subset subsets subject subjects subtask split splits part variant '
                      'variants language lang temperature temp decoding sampling thinking tools',
 'row_setting_fillers': 'eval evaluation test chat used with and',
 'row_metric_fillers': 'higher lower is better of in a match',
 'plain_labels': 'description descriptions introduction card cards usage technical feature features news update '
                 'updates specification specifications what use used uses getting started quick start quickstart '
                 'faq intended limitations research deployment inference architecture releases nutshell tl dr tldr '
                 'parsing nous compression note reproduce hf lm_eval сравнение с другими моделями anderen andere '
                 'modellen autres otros outros altri using openllm creation roleplay planning brainstorming '
                 'rewriting extraction run runs key highlights highlight additional more further other others '
                 'various several different vs versus baseline baselines sota state art leading popular similar '
                 'comparable large larger open source opensource opensourced closed proprietary commercial '
                 'competitor competitors competing domain domains category categories capability capabilities '
                 'ability abilities skill skills core suite suites collection section table tables figure tab fig '
                 'appendix typical classic downstream official community text texts textual vision visual image '
                 'images audio video videos multimodal multimodality modality modalities omni spoken document '
                 'documents chart ocr understanding comprehension reading reasoning logic logical math maths '
                 'mathematics mathematical arithmetic code coding programming software engineering knowledge world '
                 'commonsense common sense answering qa instruction instructions following tool agent agents '
                 'agentic function functions call calls calling safety ethics alignment long context dialogue chat '
                 'conversation conversational creative writing embedding embeddings reranking classification '
                 'recognition science sciences scientific stem humanities social medical medicine law legal '
                 'finance financial biology chemistry physics health intelligence typical family families series '
                 'type types group groups grouped core set sets multiple choice mcq show shows shown below above '
                 'follow follows following under here these those this that which we uses its it their they them '
                 'each every all any both per across among on about also conduct conducted perform performed '
                 'present presents presented list lists listed summarize summarizes summarized summarizing obtain '
                 'obtained achieve achieves achieved provide provides provided give gives given were was been be '
                 'is are has have had report reports reporting reported evaluate released release corresponding '
                 'respective related relevant large wide extensive comprehensive see view click expand how well '
                 'does do can you your latest current mode modes opencompass helm lighteval vlmevalkit evalplus '
                 'gpt4all artificial analysis simple framework frameworks tool toolkit harness inspect library '
                 'leaderboard ranked-choice tested mainly focus focuses focused single publicly accessible '
                 'available information similarity semantic natural ended aspects dimensions dimension important '
                 'major demonstrate demonstrates demonstrated performs compares outperform outperforms similarly '
                 'strong competitive excellent great good including include includes such etc than highly '
                 'specifically covering covers collected collection available nlp nlu nlg asr tts mt vlm vlms mllm '
                 'mllms lm lms slm ai ergebnis ergebnisse auswertung bewertung leistung vergleich übersicht '
                 'modelle modell und der die das im mit für auf von résultats résultat évaluation évaluations '
                 'performances comparaison modèle modèles et les des du de la le sur resultados resultado '
                 'evaluación rendimiento comparación modelo modelos y el los las en con avaliação desempenho '
                 'comparação e o os da do dos risultati valutazione prestazioni confronto modello modelli il i gli '
                 'di результаты результат оценка сравнение модели модель и на качество wyniki ocena porównanie '
                 'sonuçlar değerlendirme karşılaştırma hasil evaluasi kết quả đánh giá',
 'plain_stems': 'benchmark|evaluat|compari|compare',
 'plain_phrases': 'models? (?:larger|smaller|bigger) than \\d+(?:\\.\\d+)?\\s?[bm](?: parameters)?|mixture[- ]of[- '
                  "]experts|experimental results|['’](?:ve|re|ll)|multi[- ]?image|end[- ]to[- ]end|temperature ?= "
                  '?[\\d.]+|top[-_ ]?p ?= ?[\\d.]+|(?<=\\[!)(?:note|important|tip|warning|caution)|e\\.g|i\\.e|et '
                  'al|open ?llm leaderboards?(?: v\\d)?|(?:open '
                  '?llm|leaderboard|harness|vllm|sglang|transformers|lighteval|opencompass|evalplus|alpaca '
                  '?eval|arena[- ]hard|mt[- ]bench|livecodebench)(?: leaderboard)?[ -]?\\(?v[\\d.]+\\)?|(?:can be '
                  ')?found (?:here|below|in|at)|(?:removed|excluded) (?:all )?(?:test|benchmark|evaluation) '
                  '(?:items|sets?|data|questions|examples)(?: from (?:the |our )?(?:pre-?)?training '
                  '(?:data|sets?|corpus))?|a temperature of [\\d.]+|a top-p value of [\\d.]+|requiring '
                  'sampling|generate \\d+ responses per (?:query|question|prompt)(?= to estimate pass@1)|the '
                  'acc_norm by default|(?:in )?bold (?:marks?|means?|is) (?:the )?best '
                  '(?:results?|scores?|values?)?|chain[- ]of[- ]thoughts? '
                  'prompting|(?:jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec)[a-z]*\\.? '
                  '\\d{2,4}|(?:(?:shown|given|reported) )?(?:in|as) '
                  '(?:percent(?:ages?)?|proportions?|fractions?)(?! (?:of|points?)\\b)|(?:to )?estimate '
                  'pass@1|(?:english|chinese|multi[- ]?lingual|multi[- ]?language|bilingual) '
                  '(?:benchmarks?|datasets?|tasks?|translation)|higher is better|click to '
                  '(?:view|expand|show)|multi[- ]?modal(?:ity)?|multi[- ]?turn|languages selected '
                  'for|(?:similarly|comparably|same|similar|comparable)(?: model)?[- '
                  ']siz(?:ed|es?)|(?:medium|small|smaller)[- ](?:sized )?(?=models)|question answering|extended(?= '
                  'thinking)|tool[- ]use|as follows|evaluated against|as well as|such as|open[- '
                  ']weights?|(?:compar\\w+|together|along) with|(?:using|with|by|via) (?:the )?(?:lm[- '
                  ']?eval\\w*|eleuther\\w*|lighteval|opencompass|vlmevalkit|evalplus|helm|open llm '
                  'leaderboard)|(?:instruction|fine|post|pre)[- ]?(?:tuned|trained|tuning|training)|open[- '
                  ']ended|\\w+ '
                  '\\(pretrained(?==)|(?:dtype|add_bos_token|trust_remote_code|tensor_parallel_size|data_parallel_size|gpu_memory_utilization|max_model_len|max_length|parallelize)=[\\w.]+|gen_kwargs: '
                  '\\(none|limit: none|num_fewshot: \\w+|batch_size: \\w+',
 'spread': '(?:(?:\\b(?:mean|average|avg\\.?)\\s*)?(?:±|∓|\\+/?-|\\\\pm)\\W*(?:[\\w%.]+\\W+){0,4}?|\\b(?:mean|average|scores?|results?) '
           '(?:and|with) (?:its |their |the )?|\\b(?:with|behind|in (?:brackets|parentheses)) (?:its |their |the '
           ')?)(?:(?:bootstrap(?:ped)?|sampling) )?(?:(?:standard|std\\.?)[- '
           ']?(?:errors?|err\\.?|deviations?|dev\\.?)|std[- '
           ']?(?:err|dev)s?\\b|s\\.?e\\.?m\\.?(?!\\w)|s\\.?[ed]\\.?(?!\\w))(?:s?\\b(?! rates?))(?: of the '
           'mean)?(?: in (?:brackets|parentheses))?(?: (?:over|of|across|from) (?:\\w+ '
           '){1,2}(?:runs|seeds|trials)\\b)?',
 'of_sizes': 'params param parameters parameter total totally active activated dense moe about circa ca a of',
 'plain_runs': '한국어 点击查看 详情 单图 多图 文档 解析 图表 等 领域 法律 医疗 多语言 翻译 官方 方案 采用 说明 典型 一系列 进行了 包括 作为 参考 各大 通り 并 同 示します します 示 '
               '所有 均由 均 由 得到 です ます による した います 같습니다 입니다 습니다 합니다 다음과 评测 评估 评价 测评 评测集 测试 测试集 结果 基准 性能 对比 比较 效果 模型 表现 '
               '能力 综合 通用 知识 推理 数学 代码 编程 语言 理解 指令 跟随 遵循 安全 多模态 视觉 图像 音频 语音 视频 文本 对话 工具 调用 智能体 长文本 上下文 写作 学科 常识 阅读 '
               '问答 科学 医学 法律 金融 各 各项 各个 多个 主要 主流 部分 以下 如下 下表 上表 所示 为 是 的 在 与 和 及 以及 上 中 下 了 我们 对 进行 一览 总览 概览 详细 整体 '
               '总体 平均 得分 分数 成绩 指标 榜单 排行榜 数据集 任务 开源 闭源 基座 同等 规模 参数 系列 版本 公开 全面 权威 标准 表 图 其他 不同 大 语言模型 基础 英文 英语 双语 从 '
               '展示 给出 报告 評価 結果 ベンチマーク 性能 比較 モデル スコア 精度 の と に を は が による における での で 主な 各 概要 一覧 能力 推論 数学 コード 知識 言語 理解 '
               '英語 タスク データセット 以下 表 示す 総合 平均 他 公開 オープン 성능 평가 결과 벤치마크 비교 모델 점수 성적 지표 능력 추론 수학 코드 지식 언어 이해 한눈에 요약 전체 '
               '평균 주요 다른 공개 오픈 과제 데이터셋 아래 표 다음 과 와 및 의 에 을 를 은 는 이 가 에서 영어 기준',
 'data_words': 'data dataset datasets sets',
 'result_words': 'result results performance performances score scores accuracy on evaluated',
 'never_plain': 'training train human word error rate rates few zero shot shots chinese multilingual validation '
                'dev val with as',
 'sentence_words': 'surpass(?:es)?|exceeds?|beats|demonstrates?|performs?|matches|compares?|lists|gives|presents|summari[sz]es?|provides|we|i|is|are|was|were|be|been|has|have|had|it|they|you|our|this|these|which|that|can|may|will|must|shows?|achieves?|outperforms?',
 'measures_said': [['(?:prompt[- ]?(?:level[- ])?strict|strict[- ]prompt)(?:[- ](?:level[- ])?acc(?:uracy)?)?',
                    'prompt_level_strict_acc'],
                   ['accuracy|acc\\.?|准确率|正确率|정확도|정답률|正解率|正答率',
                    'accuracy exact_match relaxed_accuracy resolved_rate success_rate score pass_at_1 '
                    'prompt_level_strict_acc'],
                   ['pass ?@ ?1', 'pass_at_1 accuracy exact_match resolved_rate pass_rate score'],
                   ['pass rates?', 'pass_at_1 pass_rate resolved_rate'], ['exact[- ]match|em', 'exact_match'],
                   ['(?:word error rates?|wer)\\W{0,3}(?:wer)?|词错误率|字错误率', 'wer'],
                   ['lower is better|越低越好|낮을수록 좋(?:음|다)?|低いほど(?:良い|よい)',
                    'wer word_perplexity toxicity attack_success_rate'],
                   ['perplexity|ppl|困惑度', 'word_perplexity'], ['(?:sacre)?bleu', 'bleu'],
                   ['chrf(?:\\+\\+)?', 'chrf'], ['rouge-?l?', 'rouge_l'], ['f1(?: scores?)?', 'f1'],
                   ['ndcg(?:@10)?', 'ndcg_at_10'], ['(?:length[- ]controlled |lc )?win[- ]?rates?', 'win_rate'],
                   ['elo|ratings?', 'elo rating']],
 'languages': 'german french spanish italian portuguese dutch polish russian ukrainian turkish arabic hebrew '
              'persian hindi bengali urdu tamil thai vietnamese indonesian malay korean japanese chinese greek '
              'czech swedish finnish danish norwegian hungarian romanian swahili catalan basque multi multilingual '
              'bilingual language languages lang',
 'telling': ['errors?|error rates?|incorrect\\w*|wrong(?:ly)?|lower is better|(?:word|character|phoneme) '
             '(?:error|accuracy)|wer|cer|mer|ter|eer|perplexity|ppl|bits per \\w+|bpb',
             'accuracy|macro|micro|f1|f-1|auroc|auc|auprc|mcc|matthews|ece|brier|calibrat\\w+|recall|top-?(?:[2-9]|10)|win[- '
             ']?rates?|elo|ratings?|bleu|chrf|rouge\\w*|meteor|bertscore|ndcg|exact[- '
             ']match|strict|loose|flexible|spearman|pearson|correlations?',
             '(?:pass|maj|cons|best|avg|hit|recall|precision|r|p|acc)@(?!1\\b)\\w+|pass\\^\\w+|maj@1|median|normali[sz]ed|standardi[sz]ed|z-?scores?|percentiles?|log[- '
             ']?(?:likelihoods?|prob\\w*)|likelihoods?|human (?:judge?ments?|raters?|preferences?)|judge[ds]?',
             'rank|ranks|ranked|rankings?|places?|improvements?|gains?|gaps?|differences?|deltas?|margins?|reductions?|reduced|increases?|decreases?|drops?|dropped|degradation|loss|losses|retention|retained '
             'performance|recovery|recovered|relative|ratios?|shares?|fractions?|proportions?|percent(?:age)?s? '
             'of|percentage points?',
             'overlap\\w*|contaminat\\w*|decontaminat\\w*|memori[sz]\\w*|leak\\w*|refus\\w*|hallucinat\\w*|toxic\\w*|consistency|agreement|disagreement|varian\\w*|deviations?|stderr|confidence|intervals?|uncertaint\\w*|robustness|diversity',
             '(?:average|mean|output|response|responses|answer|generated) '
             'lengths?|latenc\\w*|throughput|speed\\w*|seconds?|minutes?|hours?|(?:run|inference|wall|decoding|training)[- '
             ']?times?|time (?:in|to|per|taken)|how '
             '(?:many|much|long|often|fast)|takes?|memory|vram|energy|carbon|emissions?|costs?|prices?|pricing|(?:tokens|words|characters|samples|items|requests) '
             '(?:per|/)|(?:output|generated|response|thinking|reasoning|input|average) (?:\\w+ )?tokens?|tokens? '
             '(?:used|consumed|count)|number(?<!a number)s? of|counts?|counted|frequency|votes?|votings?|sizes? '
             'of|scaled|rescaled|weighted|subtract\\w*|guess\\w*|chance|logits?|p-?values?|out(?<!\\d out) of '
             '\\d+|correct answers|worst|highest|lowest|smaller(?: is|,)? (?:is )?(?:the )?better|1 to '
             '10|solved|unanswered|unparsed|invalid',
             '(?:different|another|other) '
             '(?:prompt|setting|template|harness|protocol|shot|script)\\w*|(?:trained|tuned) on '
             '(?:these|the|those|all|its|our) (?:\\w+ )?(?:test|eval|benchmark)\\w*|(?:on|of|with|using|over) '
             '\\d[\\d,.]*k? (?:questions|items|problems|examples|instances|prompts)|changed|swapped|every \\w+ '
             '(?:question|item)s?|left out|leave out|(?:kept|keep|keeps) '
             'only|skipped|shuffl\\w*|perturb\\w*|paraphras\\w*|rephras\\w*|machine[- '
             ']translated|translated|back-?translat\\w*|subsets?|subsampl\\w*|first \\d+|(?:random|randomly) '
             '\\w+|(?:sample|samples) of|only '
             '\\d+|adversarial\\w*|corrupt\\w*|nois[ey]\\w*|synthetic|modified|altered|rewritten|filtered|(?:easy|hard|easiest|hardest) '
             '(?:split|subset|part)|half of|portion of|mixtures?|data mix\\w*|in '
             '(?:german|french|spanish|italian|portuguese|dutch|polish|russian|ukrainian|turkish|arabic|hebrew|persian|hindi|bengali|urdu|tamil|thai|vietnamese|indonesian|malay|korean|japanese|chinese|greek|czech|swedish|finnish|danish|norwegian|hungarian|romanian|swahili|catalan|basque)|private|proxy',
             'checkpoints?|intermediate|not (?:of )?the released|earlier|early|preview|previous(?: '
             'version)?|older|unreleased|ensembl\\w*|soups?|merged?|ablat\\w*|without|excluding|except|unless|instead '
             'of|quanti[sz]\\w*|lora|adapters?|before|expected|predict\\w*|project(?:ed|ions?)|extrapolat\\w*|estimat\\w*|targets?|planned|goals?|not '
             'yet|preliminary|simulat\\w*|hypothetical\\w*|(?:upper|lower) bounds?|oracle|scaling '
             'laws?|teachers?|students?|humans?|placeholders?|dummy|fake|illustrat\\w*|rough(?:ly)?|approximate\\w*|tentative|confirmed|old|outdated|obsolete|pruned|pruning|int[348]|copy|copies',
             'thinking|non-?thinking|reasoning[- ](?:mode|enabled|on|off|effort)|best[- ]of(?:[- '
             ']\\w+)?|majority|self-?consistency|beams?|rerank(?:ed|er)|retrieval[- ]augmented|rag|with (?:an? '
             '|the )?(?:tools?|calculators?|search|python|browsing|retrieval|hints?|code)|code '
             'interpreter|multiple (?:attempts|tries)|calculators?|internet|allowed to|best '
             '(?:answer|of|run|score)|(?:two|three) (?:times|attempts|tries|runs)|\\d+ '
             '(?:times|attempts|tries|runs)|retr(?:y|ies)|test-?time|high[- ]effort|system '
             'prompt|validation|dev(?:test| set)'],
 'lower_said': 'errors?|errs?|wrong(?:ly)?|incorrect\\w*|mistake\\w*|fail\\w*|miss(?:es|ed)?|loss(?:es)?|unsolved|(?:lower|less|smaller) '
               'is better|false (?:positives?|negatives?)|not (?:solved|correct|passed)',
 'lower_runs': '错误 误差 错答 越低越好 困惑度 幻觉 エラー 誤り 誤答 誤差 低いほど 不正解 오류 오답 오차 낮을수록',
 'telling_runs': '错误率 误差 幻觉 提升 提高 差距 差异 排名 名次 下降 降低 拒答 拒绝 重叠 污染 耗时 时间 秒 分钟 小时 长度 题数 数量 个数 条数 显存 速度 下载 吞吐 成本 比例 占比 '
                 '校准 一致性 稳定性 预测 预期 目标 计划 估计 子集 抽样 随机 前100 打乱 翻译成 机器翻译 改写 扰动 对抗 消融 去掉 去除 不含 未使用 中间检查点 检查点 未发布 早期 集成 '
                 '多数投票 投票 思考模式 思考 采样 越低越好 除非 归一化 相对 最佳 量化 标准差 方差 置信 困惑度 错误 (?<!准确)(?<!正确)(?<!通过)(?<!正答)(?<!正解)率 '
                 '验证集 誤り率 誤答率 エラー率 改善 向上 差 順位 低下 拒否 重複 汚染 秒 長さ 校正 較正 一貫性 予測 目標 予定 推定 サブセット 無作為 シャッフル 翻訳 言い換え 摂動 除い '
                 '除く アブレーション 途中 チェックポイント 未公開 アンサンブル 多数決 思考 低いほど 正規化 相対 量子化 標準偏差 分散 時間 速度 メモリ 検証 오류율 오답 오차 향상 개선 차이 '
                 '격차 순위 감소 거부 거절 중복 오염 초과 시간 길이 개수 보정 일관성 예측 목표 예정 추정 일부 무작위 섞 번역 변형 교란 제외 없이 중간 체크포인트 미공개 초기 앙상블 '
                 '다수결 투표 사고 낮을수록 정규화 상대 양자화 표준편차 분산 속도 메모리 환각 (?<!정답)[률율] 검증',
 'about_table': '(?:these|those|such|all) (?:results?|scores?)\\b|(?:was|were|is|are) '
                "(?:run|used|given|allowed|turned)\\b|may\\b|benchmarks?['’]|(?:per|each|every) "
                '(?:benchmark|task)\\b|(?:numbers?|values?|figures?|cells?|columns?|tables?|rows?|questions?|items?|answers?|samples?)\\b|we '
                '(?:\\w+ly '
                ')?(?:report|count|show|list|give|gave|took|take|sampled?|let|asked?|discount|evaluated?|used?|trained?|expect|tested?|ran|run|followed|follow)\\b|(?:trainings?|evaluations?) '
                '(?:is|are|was|were|has|had)\\b',
 'about_table_first': '(?:below|shown|here|these|those|this) '
                      '(?:is|are|were|was)|(?:after|averaged|beware|mind|note|update|correction|erratum)',
 'is_or_has': '\\b(?:we|only|covers?|contains?|consists?|is|are|was|were|has|had|have|uses?|used|denotes?|refers?|means?|evaluat\\w+|made|scored|with|at)\\b',
 'said_words': 'mathematic paper papers s t as llms llm based surpass surpasses surpassing surpassed range scale '
               'mainstream directly project observed observe author authors tech blog bench thoroughly assess '
               'assesses assessed assessing assessment addition additionally repository offical scheme adopt '
               'adopted adopts designed utilize utilizes utilized utilizing helps help helpful done namely over '
               'advantage advantages substantial substantially clearly exhibit exhibits exhibited experience even '
               'terms propose proposed influential approach approaches comprehensively global notably effectively '
               'effective displays displayed way ways represent represents representative exceptional '
               'exceptionally enhance enhances enhanced enhancing made make makes robust relatively '
               'straightforward eleutherai eleuther taken take takes ourselves reproducible aggregates challenging '
               'challenge challenges broader broad consistent consistently described describe describes find '
               'findings outcome outcomes aforementioned employ employs employed followed spanned span spans '
               'spanning rival rivals rivalling rivaling exceed exceeds exceeded exceeding beat beats beating '
               'match matches matching par remain remains remarkable remarkably impressive notable significant '
               'significantly among amongst class january february march april june july august september october '
               'november december variety diverse numerous particularly especially generally typically overall '
               'nearly almost quite very far despite although though whereas while moreover furthermore thereby '
               'highlighting highlight demonstrating showing showcases showcase showcasing indicate indicates '
               'indicated indicating suggest suggests suggesting confirm confirms confirming prove proves proven '
               'illustrates depicted depicts presented understand understanding gauge measure measures measured '
               'measuring measurement performed performing performant deliver delivers delivered delivering offer '
               'offers offered offering attain attains attained reach reaches reached yield yields yielded excel '
               'excels excelled excelling shine shines stand stands standing against versus amid throughout '
               'including included includes involve involves involving ranging wide widely commonly common used '
               'popular established rigorous rigorously extensive extensively careful carefully systematic '
               'systematically various multiple respectively each same identical fair fairly equal equally '
               'equitable community leaderboard public publicly opensource industry industrial academic academia '
               'research researchers team organization apple mistral gemma llama qwen deepseek phi falcon '
               'anthropic openai google meta microsoft nvidia mixtral yi internlm baichuan chatglm glm designs '
               'design designing complexity complex intricate comprehensive completeness specialised specialized '
               'specifically purposes purpose mentioned listed documented available accessible own aa methodology '
               'aligned h100 h200 a100 h800 a800 trt backend between settings peers jp note used use uses with '
               'some visit covered cover found file files internal library libraries real method methods original '
               'papers means mean marked mark marks come comes obtained conducted powerful problem solving '
               'problems please refer technical details run runs ran default same prompts bold greedy decoding '
               "strong par larger fewer tokens trained training while fairness ensure since but if when where it's "
               'there these so more most many much some also however following follow first second third one two '
               'three four five six seven eight nine ten new work works our ours them their other others number '
               'numbers value values figure figures column columns row rows cell cells question questions answer '
               'answers test set sets data dataset datasets gpu gpus gb vllm sglang hf transformers no does do did '
               'an or nor because due thus hence therefore better best higher highest improved improve improves '
               'superior leading top ability abilities',
 'about_numbers': 'numbers?|figures?|tables?|scores?|results?|reported|measured|evaluat\\w*|accuracy|columns?|rows?|分数|结果|数值|数字|评|スコア|結果|数値|評価|점수|결과|수치|평가'}
# fmt: on


@functools.cache
def word_list(name: str) -> frozenset[str]:
    """The words of one kind."""
    return frozenset(CARD_WORDS[name].split())


def either_case(words: Sequence[str]) -> str:
    """Words as a pattern that fits their small and capital letters, as (?i) does, and is found three times as fast."""
    more = {"i": "İı", "k": "\u212a", "s": "ſ"}  # which (?i) takes for these
    letters = {c: f"[{c}{c.upper()}{more.get(c, '')}]" if c.isalpha() else re.escape(c) for c in "".join(words)}
    return "|".join("".join(map(letters.__getitem__, word)) for word in words)


_ALTERNATIVE = Regex(r"(?:[^()|\[\]\\]|\\.|\[[^\]]*\]|\((?:[^()]|\([^()]*\))*\))+")  # at the outermost level
_WORDS_FIRST = Regex(r"\(\?:([^()\[\]\\?*+{}]+)\)(?![?*+{])")


def by_first_letter(alternatives: Iterable[str]) -> str:
    """Alternatives as one pattern in which a letter is tried once for all that begin with it: ten times as fast."""
    groups: dict[str, list[str]] = {}
    for whole in _ALTERNATIVE.findall("|".join(alternatives)):
        words = _WORDS_FIRST.match(whole)
        for one in [word + whole[words.end() :] for word in words[1].split("|")] if words else [whole]:
            plain = one[:1].isalnum() and one[1:2] not in tuple("?*+{")
            groups.setdefault(one[0] if plain else "", []).append(one[1:] if plain else one)
    return "|".join(f"{letter}(?:{'|'.join(rest)})" for letter, rest in groups.items())


FACTS, FACT_FILLERS = word_list("facts"), word_list("fact_fillers")
WEAK_FACTS, FACT_UNITS = word_list("weak_facts"), word_list("fact_units")
MEASURES, MEASURE_FILLERS = word_list("measures"), word_list("measure_fillers")
TAIL_METRICS = word_list("tail_metrics")
_EVERYDAY = word_list("everyday_keys")
AVERAGES, VALUES = word_list("average_words"), word_list("value_heads")
_SHAPE = Regex(by_first_letter([CARD_WORDS["benchmark_shapes"]]))
_SPLIT = Regex(rf"(?i)(?:{CARD_WORDS['splits']})")
_SPLIT_NAMES = {name: name for name in ("train", "test", "validation", "testmini")}
_SPLIT_NAMES |= dict.fromkeys(("val", "dev"), "validation")
_NOTES = [(re.compile(pattern, re.I), note) for pattern, note in CARD_WORDS["notes"]]
_BRACKET = Regex(r"\s*(?:\(([^()]{0,120})\)|\[([^\[\]]{0,120})\]|（([^（）]{0,120})）)")
_OPENS = Regex(r"[(\[（]")  # found much sooner than a bracket, which may begin with a space
_PARTS = Regex(r"\s*[,;，、]\s*")
_SHOT = Regex(
    r"(?i)(?<![\w.])(\d{1,3}(?:\s?[-–~]\s?\d{1,3})?|zero|one|two|three|five|few|many)[\s_-]*shots?(@\d+)?(?![a-z])"
)
_SHOT_NUMBER = {"zero": "0", "one": "1", "two": "2", "three": "3", "five": "5"}
_COT = Regex(
    r"(?i)(?<![a-z\d])(?:w/o?\s*|with(?:out)?\s+|no[- ])?(?:cot|chain[- ]of[- ]thoughts?)"
    r"(?:\s+prompt(?:ing)?)?(?![a-z\d])"
)
_COT_TAIL = Regex(r"(?i)(?<=[\s,_-])(?:w/\s*)?cot$")
_AT_K = Regex(r"(?i)(?<![\w@])[a-z][a-z_-]{0,20}\d*(?:@|\^|_at_) ?\d+(?:[,/]\d+)*(?:@\d+)?(?!\w)|(?<=\s)ratings?$")
_SLASH_METRIC = Regex(r"(?i)/(acc(?:_norm|uracy)?|em|exact_match|f1|mcc|bleu|mc\d)$")
_TOOL_TAIL = Regex(r"(?i)[\s,–-]+(?:w/o?|with(?:out)?|no)[\s-]+(?:python|tools?|search|browsing)$")
_SAYS_MORE = Regex(
    r"[(\[（@^/]| [a-zA-Z]{2,5}[\d-]?[lL]?$|"
    + either_case(("shot", "cot", "_at_", "rating", "tool", "search", "python", "brows"))
)
SIZED = Regex(r"(?i)(?<![\w.])(?:\d+x)?\d+(?:\.\d+)?[bm](?![a-z\d])")
_SAYS_SETTING = Regex(r"(?i)shot|cot|chain")
_RAISED = Regex("[¹²³⁴⁵⁶⁷⁸⁹⁰]")
DIGIT_IN, DIGITS_IN = re.compile(r"\d"), re.compile(r"[\d²³¹⁰⁴-⁹]")
_COUNT_BRACKET = Regex(r"[(\[（]\s*\d[\d.,]*k?\s*[)\]）]")
_NAME_IN = Regex(r"(?:[A-Za-z0-9][A-Za-z0-9_.+²-]*|[^\W_A-Za-z0-9]+)(?<![.-])")  # "MMLU为5-shot" is four
_DATE = Regex(r"(?:20)?2\d(?:0[1-9]|1[0-2])?(?:\d\d)?|(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*")
_PLAIN_NOTES = word_list("plain_notes")
_WORDS_OF = Regex(r"[^\W_]+")
_ASCII_WORDS = {code: chr(code).lower() if chr(code).isalnum() else " " for code in range(128)}


class Label(NamedTuple):
    """A benchmark's label, taken apart: "DROP (3-shot F1)" -> DROP, 3-shot, F1."""

    name: str  # as it stands, without shots and metric; brackets that name a split, a subset or a mode stay
    shots: str | None = None
    metric: str | None = None
    note: str | None = None  # what makes it another variant than the benchmark's default: "With tools", "Text only"
    bare: str = ""  # the name without the brackets that are notes or splits


@functools.lru_cache(maxsize=8192)
def words_of(text: str) -> tuple[str, ...]:
    """The folded words of a text: "Real-Time Factor¹" -> real, time, factor."""
    if text.isascii():
        return tuple(text.translate(_ASCII_WORDS).split())
    return tuple(_WORDS_OF.findall(unicodedata.normalize("NFKC", _RAISED.sub("", text)).casefold()))


def unbracketed(text: str) -> str:
    """A text without its brackets."""
    return _BRACKET.sub("", text) if _OPENS.search(text) else text


@functools.lru_cache(maxsize=8192)
def split_label(text: str, brackets_are_metrics: bool = False) -> Label:
    """Take shots, metric and notes off a benchmark's label.

    "MMMU (val, CoT)" -> "MMMU (val)", CoT; "AIME 2024 pass@1" -> "AIME 2024", pass@1; "HLE (w/ tools)" -> With tools
    """
    text = label_text(text)
    if not _SAYS_MORE.search(text):
        return Label(text, bare=text)
    shots: list[str] = []
    metric: list[str] = []
    notes: list[str] = []

    def bracket(match: re.Match[str]) -> str:
        rest = [part for part in _PARTS.split(match[1] or match[2] or match[3] or "") if part]
        rest = [left for part in rest if (left := take_part(part, shots, metric))]
        last = not _BRACKET.search(match.string, match.end())  # "X (2408-2505) (Pass@1)": the metric comes last
        if rest and brackets_are_metrics and last and not any(_SPLIT.fullmatch(part) for part in rest):
            metric.extend(rest)
            rest = []
        notes.extend(part for part in rest if not _SPLIT.fullmatch(part) or note_of(part))
        return f"{' ' * match[0][0].isspace()}({', '.join(rest)})" if rest else ""

    name = label_text(_BRACKET.sub(bracket, text)) if _OPENS.search(text) else text
    name = take_shots(name, shots)
    for pattern, found in ((_COT_TAIL, shots), (_AT_K, metric), (_SLASH_METRIC, metric)):
        if (match := pattern.search(name)) and (
            rest := (name[: match.start()] + " " + name[match.end() :]).strip(" ,;:/|_-–@")
        ):
            found.append(shot_name(match[0]) if found is shots else match[0].strip("/ "))
            name = " ".join(rest.split())
    last = name.rpartition(" ")
    if last[0] and last[2].casefold() in TAIL_METRICS and not is_measure(name) and not is_average(name):
        name = last[0].rstrip(" ,;:/|_-–")  # "M-LongDoc acc"
        metric.append(last[2])
    name = name or text
    bare = unbracketed(name).strip() or name
    if tail := _TOOL_TAIL.search(bare):
        notes.append(tail[0].strip(" ,–-"))
        bare = bare[: tail.start()]
    told = dict.fromkeys(note for part in notes if (note := note_of(part, part)))
    shots_said, metrics_said = ", ".join(dict.fromkeys(shots)), ", ".join(dict.fromkeys(metric))
    return Label(name, shots_said or None, metrics_said or None, ", ".join(told) or None, bare)


def take_shots(name: str, shots: list[str]) -> str:
    """Move shots off a name whose part they are not: "BBH 3-shot", "zero-shot HellaSwag"; not "Few-shot Learning"."""
    if not (match := _SHOT.search(name)):
        return name
    before, after = (part.strip(" ,;:/|_-–@") for part in (name[: match.start()], name[match.end() :]))
    count = shot_name(match[0])
    numbered, shaped = count[0].isdigit(), _SHAPE.search(_BRACKET.sub("", before or after).casefold())
    taken = not after or is_setting(after) or (shaped and (numbered or not before))
    if (before or after) and (taken or numbered):
        shots.append(count)
    return f"{before} {after}".strip() or name if taken else name


@functools.lru_cache(maxsize=1024)
def shots_of(text: str) -> str | None:
    """The one number of shots that a heading says, and whether with a chain of thought: "5-shot, CoT"."""
    found = {shot_name(match[0]) for match in _SHOT.finditer(text)}
    thought = _COT.search(text)
    told = [*found] if len(found) < 2 else []
    told += ["CoT"] if thought and not thought[0].lower().startswith(("no", "w/o", "without")) else []
    return ", ".join(told) or None


def without_settings(text: str) -> str:
    """A text without its shots, chain of thought, and modes that are notes."""
    for pattern in (_SHOT, _COT, *(pattern for pattern, _ in _NOTES)):
        text = pattern.sub(" ", text)
    return text


@functools.lru_cache(maxsize=1024)
def note_of(text: str, other: str | None = None) -> str | None:
    """The note that a mode has: "w/ tools" -> With tools, "no tools" -> None, the default; else `other`."""
    return next((note for pattern, note in _NOTES if pattern.search(text)), other) if text else other


def take_part(part: str, shots: list[str], metric: list[str]) -> str:
    """Move what a part of a bracket says about shots and metric into the lists; the rest is returned."""
    rest, found = part, []
    if (match := _AT_K.search(rest)) and len(match[0]) < len(rest):
        metric.append(match[0])  # "2407-2409 Pass@1"
        rest = f"{rest[: match.start()]} {rest[match.end() :]}".strip(" ,;:/|_-–@")
    for pattern in (_SHOT, _COT):
        if match := pattern.search(rest):
            found.append(shot_name(match[0]))
            rest = (rest[: match.start()] + rest[match.end() :]).strip(" -_,:@+&")
    if rest and is_measure(rest):
        metric.append(rest)
        rest = ""
    elif rest and found:
        if found == ["CoT"] and re.fullmatch(r"[\w.-]+", part):
            return part
        if re.fullmatch(r"(?i)prompt(?:ing)?|setting|with|no|w/?|eval(?:uation)?", rest):
            rest = ""
    shots.extend(found)
    return rest


def shot_name(text: str) -> str:
    """ "zero shot", "0_shot" -> "0-shot"; "cot" -> "CoT"."""
    text = " ".join(text.split())
    if match := _SHOT.search(text):
        return f"{_SHOT_NUMBER.get(match[1].lower(), match[1].lower())}-shot{match[2] or ''}"
    return re.sub(r"(?i)cot", "CoT", text).strip()


@functools.lru_cache(maxsize=8192)
def is_measure(text: str) -> bool:
    """Whether a text names a measure and nothing else: "Pass@1", "macro_avg/acc_char", "LC win rate", "Acc.↑"."""
    text = label_text(text)
    if not text or len(text) > 60:
        return False
    if _AT_K.fullmatch(text):
        return True
    words = words_of(text.replace("%", ""))
    if "".join(words) in MEASURES:
        return True
    return not MEASURES.isdisjoint(words) and all(w in MEASURES or w in MEASURE_FILLERS for w in words)


@functools.lru_cache(maxsize=8192)
def is_average(text: str) -> bool:
    """Whether a label is an average of a table and names nothing of its own: "Avg.", "Overall Acc.", "Average (56)"."""
    words = words_of(text)
    if text[:1] not in ("(", "[", "（") and (not words or words[0] not in AVERAGES):
        return False
    words = words_of(unbracketed(text))
    return bool(words) and words[0] in AVERAGES and all(
        w in AVERAGES or w in MEASURES or w in MEASURE_FILLERS for w in words
    )  # fmt: skip


@functools.lru_cache(maxsize=8192)
def is_setting(text: str) -> bool:
    """Whether a label says only shots or a metric: "5-shot", "0-shot, CoT", "pass@1", "(EM)"."""
    text = label_text(text)
    if text[:1] in ("(", "[") and text[-1:] in (")", "]"):
        text = text[1:-1]
    if not text or len(text) > 60 or is_average(text):
        return False
    if is_measure(text):
        return True
    if not _SAYS_SETTING.search(text):
        return False
    shots: list[str] = []
    return all(not take_part(part, shots, []) for part in re.split(r"\s*[,;+&|(]\s*|\s+/\s+", text.rstrip(")")) if part)


@functools.lru_cache(maxsize=8192)
def is_fact(text: str) -> bool:
    """Whether a header or row label is a fact (size, speed, cost, time, rank, link, deviation), not a score."""
    text = label_text(text)
    if not text or len(text) > 80:
        return False
    if text.startswith("#"):
        return "shot" not in text.lower()
    unit = _BRACKET.search(text) if _OPENS.search(text) else None
    if text in ("±", "+/-") or (unit and is_unit(unit[1] or unit[2] or unit[3] or "")):
        return True
    words = words_of((unit and _BRACKET.sub("", text)) or text)
    return not FACTS.isdisjoint(words) and all(w in FACTS or w in FACT_FILLERS or w.isdigit() for w in words)


def is_generic(text: str) -> bool:
    """Whether a header of values says nothing, a measure or an average: "Score", "WER (%)", "Avg."."""
    words = words_of(unbracketed(text))
    return not text or is_measure(text) or is_average(text) or (bool(words) and VALUES.issuperset(words))


def is_unit(text: str) -> bool:
    """Whether a bracket says a unit that no score has: "GB", "tokens/s", "ms"."""
    parts = text.casefold().removeprefix("in ").split()
    return bool(parts) and all(part in FACT_UNITS or part.strip("$€¥") != part for part in parts)


def is_weak_fact(text: str) -> bool:
    """Whether one word that may be a fact is a benchmark as well, when it stands in a list of benchmarks."""
    words = words_of(label_text(text))
    return len(words) == 1 and words[0] in WEAK_FACTS


def is_plain_note(text: str, key: str, vocabulary: Vocabulary) -> bool:
    """Whether what is said beside a benchmark's name makes no part of it: a mode, a date, its topic, "official"."""
    if any(text == note for _, note in _NOTES) or is_average(text) or is_setting(text) or vocabulary.key(text) == key:
        return True
    topic = vocabulary.topics.get(key, "").split("_")  # "GSM8K (math)"
    english = () if key in word_list("many_languages") else ("en", "english")
    return "%" not in text and all(
        word in _PLAIN_NOTES
        or word in english
        or _DATE.fullmatch(word)
        or any(word == one or (len(word) > 4 and word[:3] == one[:3]) for one in topic)
        for word in words_of(text)
    )


def is_everyday(name: str) -> bool:
    """Whether a benchmark's name is written as the everyday word that it is: "Drop", "Frames"."""
    return name.istitle() and name.casefold() in _EVERYDAY


@dataclass(frozen=True, slots=True, eq=False)
class Vocabulary:
    """metric_mapping.json by folded name, and what its benchmarks' values can be."""

    keys: dict[str, str]
    ranges: dict[str, tuple[float | None, float | None]]  # key -> lowest and highest, in percent where it is a share
    metrics: dict[str, str]  # key -> main metric
    splits: dict[str, str]  # key -> the split of its data set that is the benchmark's
    topics: dict[str, str]  # key -> category
    items: dict[str, int]  # key -> how many it has; 0: not known
    datasets: dict[str, frozenset[str]]  # key -> folded names of its data set on the Hub, owners off
    starts: frozenset[str]  # the first three letters of the names

    def key(self, label: Label | str) -> str | None:
        """The canonical key of a label; brackets that name a split or a mode ("MMMU (val)") may be left out."""
        name, bare = (label, label) if isinstance(label, str) else (label.name, label.bare)
        if bare.casefold() == "math" and not bare.isupper():
            return None  # a group of benchmarks; MATH is one
        told = isinstance(label, Label) and (label.shots or label.metric)
        if is_everyday(bare) and not told:
            return None  # "Drop" may be what it says; DROP, and "Drop (3-shot)", are benchmarks
        if (key := self.keys.get(folded_name(name))) or bare == name:
            return key
        if _COUNT_BRACKET.search(name):
            return None  # "GSM8K (100)": so many of its items
        key, plain = self.keys.get(folded_name(bare)), folded_name(bare)
        said = {_SPLIT_NAMES[word] for word in words_of(name) if word in _SPLIT_NAMES} if key else ()
        if said and (own := _SPLIT_NAMES.get(self.splits[key], "train")) != "train" and said != {own}:
            return None  # "MMMU (test)" is not what MMMU is measured on
        subset = isinstance(label, Label) and label.note and key and folded_name(key) != plain
        return None if subset and folded_name(key or "").startswith(plain) else key  # "RACE (middle)" is no race_high


@functools.lru_cache(maxsize=8192)
def is_benchmark(text: str, vocabulary: Vocabulary) -> bool:
    """Whether a label is in the vocabulary, or is shaped like a benchmark's name."""
    if len(text) > 150:
        return False
    if vocabulary.keys.get(folded_name(text)):
        return True
    if _SHAPE.search(text.casefold()):
        return not SIZED.search(text)  # "WizardMath-7B" is a model
    return ("(" in text or "-shot" in text) and bool(vocabulary.key(split_label(text)))


@functools.lru_cache(maxsize=1024)
def benchmarks_in(text: str, vocabulary: Vocabulary) -> dict[str, str]:
    """The benchmarks of the vocabulary that a text names, with their keys; a plain word ("drop", "Race") is none."""
    found: dict[str, str] = {}
    words, done = [word.span() for word in _NAME_IN.finditer(text[:600])], 0
    for at, (start, _) in enumerate(words):
        first = text[start : start + 3]  # three letters of one word begin the folded name
        known = first.lower() in vocabulary.starts or not (len(first) == 3 and first.isascii() and first.isalnum())
        for _, end in reversed(words[at : at + 4]) if known and start >= done else ():
            name = text[start:end]
            if (DIGITS_IN.search(name) or name[1:].lower() != name[1:] or name.isupper()) and (
                key := vocabulary.key(name)
            ):
                found[name], done = key, end
                break
    return found


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


# --- parts/records/lost.py --------------------------------------------------------------------------------------------


def lost_rows(repeats: tuple, errors: frozenset[str]) -> tuple[int, int]:
    """(attempts without a score, all attempts) as the lines of a samples file show them."""
    if not repeats:
        return 0, 0
    names = set(errors).union(*repeats)
    scored = sum(map(len, repeats))
    return len(names) * len(repeats) - scored, len(names) * len(repeats)


def attempts_of_runs(runs: Iterable[Run]) -> Attempts:
    """What became of all attempts of some runs."""
    own = [attempts_of(run.counts, run.n, *lost_rows(run.repeats, run.errors)) for run in runs]
    made = [one.made for one in own]
    return Attempts(None if None in made else sum(made), sum(one.lost for one in own))


def lost_answer(run: Run, name: str) -> Answer:
    """An item's line that has no score, by what its metadata say of its attempts."""
    return Answer(0.0, None, None, None, run.lost_fields.get(name, NO_FIELDS))


def hidden_share(runs: Sequence[Run]) -> float:
    """The share of some runs' attempts that were lost without an item showing it: any could be the one."""
    told, shown = attempts_of_runs(runs), 0
    for run in runs:
        for repeat in run.repeats:
            shown += sum(made - scored for made, scored in (answer.attempts for answer in repeat.values()))
            shown += sum(lost_answer(run, name).attempts[0] for name in run.errors if name not in repeat)
    return max(0, told.lost - shown) / told.made if told.made else 0.0


def possible_mean(
    runs: Sequence[Run], names: Collection[tuple[str, str]], factors: Mapping[str, float], low: float, high: float
) -> tuple[float, float]:
    """The least and the greatest mean of some items (part, name), each multiplied by the factor of its part.

    An item is the mean of its repeats in all runs.
    """
    repeats = [(run.subtask, repeat) for run in runs for repeat in run.repeats]
    averaged = all(answer.averaged for _, repeat in repeats for answer in repeat.values())
    least = most = 0.0
    for part, name in names:
        answers = [repeat.get(name) for subtask, repeat in repeats if subtask == part]
        ends = [(low, high) if answer is None else answer.within(low, high, averaged) for answer in answers]
        own = [math.fsum(end) / len(end) for end in zip(*(ends or [(low, high)]), strict=True)]
        least, most = least + factors[part] * own[0], most + factors[part] * own[1]
    hidden = hidden_share(runs) * (high - low)
    return max(low, least / len(names) - hidden), min(high, most / len(names) + hidden)


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


# --- parts/records/states.py ------------------------------------------------------------------------------------------

TOGETHER = timedelta(hours=6)  # between the tasks of one evaluation, at most
SELECTOR = re.compile(
    r"(?P<name>.+?)(?:\[(?P<settings>[^\[\]]+=[^\[\]]*)\])?(?:@(?P<date>\d{4}-\d\d-\d\d(?:T[\d:]*Z?)?))?"
)


def moment_of_run(run: Run) -> datetime:
    """When a run was made (UTC); the beginning of time where its record does not say."""
    stamp = run.moment
    try:
        if re.fullmatch(r"\d{1,11}(?:\.\d+)?", stamp):
            return datetime.fromtimestamp(float(stamp), UTC)
        found = datetime.fromisoformat(stamp)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.min.replace(tzinfo=UTC)


def moment_text(moment: datetime) -> str:
    """A moment as it is written in a name: 2026-03-13T02:10:00Z."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def slot_of(run: Run) -> tuple[object, ...]:
    """What two measurements of the same thing share."""
    return run.key, run.subtask, run.metric, run.shots, run.partial, tuple(sorted(run.settings.items()))


def are_repeats(one: Run, two: Run) -> bool:
    """Whether two measurements of one thing are known to be of one state, or tell the same."""
    if one.identity.fixed and one.identity.fixed == two.identity.fixed:
        return not one.identity.files or not two.identity.files or one.identity.files == two.identity.files
    return bool(one.run_id and one.run_id == two.run_id) or is_same_result(one, two)


def is_same_result(one: Run, two: Run) -> bool:
    """Whether two runs say exactly the same: a copy, or a repetition that changed nothing."""
    if one.score != two.score or one.n != two.n or len(one.repeats) != len(two.repeats) or not one.repeats:
        return one.file == two.file or (one.moment == two.moment and one.score == two.score and one.n == two.n)
    return one.errors == two.errors and all(
        {name: answer.score for name, answer in a.items()} == {name: answer.score for name, answer in b.items()}
        for a, b in zip(one.repeats, two.repeats, strict=True)
    )


class State:
    """Runs that were made together, while they are gathered."""

    def __init__(self) -> None:
        self.runs: list[Run] = []
        self.first: dict[tuple[object, ...], Run] = {}
        self.run_ids: set[str] = set()
        self.latest = datetime.min.replace(tzinfo=UTC)

    def add(self, run: Run, slot: tuple[object, ...]) -> None:
        self.runs.append(run)
        self.first.setdefault(slot, run)
        self.run_ids |= {run.run_id} - {""}
        self.latest = max(self.latest, moment_of_run(run))

    def takes(self, run: Run, slot: tuple[object, ...]) -> bool:
        """Whether a run was made together with these: soon after the last, and nothing of theirs again."""
        if run.run_id in self.run_ids:
            return True
        if moment_of_run(run) - self.latest > TOGETHER:
            return False
        return slot not in self.first or are_repeats(self.first[slot], run)


def fixed_states(runs: Sequence[Run]) -> dict[int, str]:
    """What proves the state of each run, by its id(): weights, and the files beside them where several are known."""
    files: dict[str, set[str]] = defaultdict(set)
    for run in runs:
        files[run.identity.fixed] |= {run.identity.files} - {""}
    several = {fixed for fixed, known in files.items() if fixed and len(known) > 1}
    return {
        id(run): f"{run.identity.fixed}{f' with {run.identity.files}' * (run.identity.fixed in several)}"
        for run in runs
    }


def states_of(runs: Sequence[Run]) -> list[list[Run]]:
    """The states that runs of one model are of, the last measured at the end; one where nothing is in doubt."""
    slots: dict[tuple[object, ...], list[Run]] = defaultdict(list)
    slot_by_run = {id(run): slot_of(run) for run in runs}
    for run in runs:
        slots[slot_by_run[id(run)]].append(run)
    fixed = fixed_states(runs)
    hashes = {*fixed.values()} - {""}
    doubtful = any(not are_repeats(own[0], other) for own in slots.values() for other in own[1:])
    if len(hashes) < 2 and not doubtful:
        return [list(runs)]
    states: list[State] = []
    by_hash: dict[str, State] = {}
    for run in sorted(runs, key=lambda run: (moment_of_run(run), run.file)):
        proof = fixed[id(run)]
        own = by_hash.get(proof) if proof else None
        last = states[-1] if states and not states[-1].runs[0].identity.fixed else None
        if own is None and not proof and last is not None and last.takes(run, slot_by_run[id(run)]):
            own = last
        if own is None:
            states.append(own := State())
            if proof:
                by_hash[proof] = own
        own.add(run, slot_by_run[id(run)])
    return [state.runs for state in sorted(states, key=lambda state: state.latest)]


def state_name(name: str, state: Sequence[Run], dates: Mapping[str, int]) -> str:
    """How a state is asked for: NAME@2026-03-13, or with the time where a day has several."""
    latest = max(map(moment_of_run, state))
    day = latest.strftime("%Y-%m-%d")
    return f"{name}@{day if dates.get(day, 0) < 2 else moment_text(latest)}"


def one_state(runs: Sequence[Run], name: str, what: str, latest: bool, date: str | None) -> tuple[list[Run], list[str]]:
    """The runs of one state of a model, and what is to be said about the others.

    name: as the model is asked for; what: the option and its value, for messages. ScriptError(code=3) when there are
    several states and neither a date nor `latest` says which.
    """
    states = states_of(runs)
    if date is not None:
        chosen = [s for s in states if any(moment_text(moment_of_run(run)).startswith(date.rstrip("Z")) for run in s)]
        if not chosen:
            raise ScriptError(f"{what}: nothing of that date; there are: {listing(state_names(name, states), 20)}")
        states = chosen
    if len(states) == 1:
        days = sorted({moment_of_run(run).strftime("%Y-%m-%d") for run in states[0]})
        again = len(days) > 1 and len(set(map(slot_of, states[0]))) < len(states[0])
        said = (
            f"{name}: the runs of {listing(days)} are of the same weights, so repeats, and averaged: none is left out"
        )
        return states[0], [said] if again and (latest or date is not None) else []
    names = state_names(name, states)
    if latest:
        return states[-1], [f"{names[-1]} is taken (--latest), left out: {listing(names[:-1], 5)}"]
    raise ScriptError(
        f"{what}: measured {len(states)} times with weights, or files beside them (config.json, tokenizer, templates), "
        "that differ, or that nothing proves to be equal: other "
        f"states of the model, no repeats: {listing(names, 20)}{twice_text(runs)}; name one of them, or take the last "
        "with --latest",
        code=3,
    )


def twice_text(runs: Sequence[Run]) -> str:
    """What was measured twice, with its scores, for a message; nothing where nothing was."""
    seen: dict[tuple[object, ...], Run] = {}
    for run in runs:
        other = seen.setdefault(slot_of(run), run)
        if other.score != run.score:
            return f" ({run.task}: {other.written[0]} and {run.written[0]})"
    return ""


def state_names(name: str, states: Iterable[Sequence[Run]]) -> list[str]:
    """The names of some states."""
    states = list(states)
    dates: dict[str, int] = defaultdict(int)
    for state in states:
        dates[max(map(moment_of_run, state)).strftime("%Y-%m-%d")] += 1
    names = [state_name(name, state, dates) for state in states]
    proofs = [state[-1].identity.fixed for state in states]
    return [
        one if names.count(one) == 1 else f"{one} ({proof if proof and proofs.count(proof) == 1 else state[-1].file})"
        for one, proof, state in zip(names, proofs, states, strict=True)
    ]


def split_selector(text: str) -> tuple[str, dict[str, str], str | None]:
    """(name, settings, date) of a model as asked for: "base[solver=old]@2026-03-13"."""
    match = SELECTOR.fullmatch(text)
    if not match:
        return text, {}, None
    pairs = (pair.partition("=") for pair in (match["settings"] or "").split(",") if pair.strip())
    return match["name"], {key.strip(): value.strip() for key, _, value in pairs}, match["date"]


def runs_with_settings(runs: Iterable[Run], wanted: Mapping[str, str]) -> list[Run]:
    """The runs that were made with some settings, named by key or by the words for it."""
    return [
        run
        for run in runs
        if all(
            single_line(value) in (run.settings.get(key), run.settings.get(WORDS_OF_SETTINGS.get(key, key)))
            for key, value in wanted.items()
        )
    ]


# --- parts/records/repeats.py -----------------------------------------------------------------------------------------

CONTRADICTION = 0.001  # a chance below it is no noise
CONTRADICTION_Z = 3.29  # the same, for two scores without items


def is_greedy(run: Run) -> bool:
    """Whether a second run must give the same answers: nothing is drawn at random."""
    return not run.temperature


def usable_runs(runs: Sequence[Run]) -> list[Run]:
    """Of repeats, those that the gate lets through; all where it lets none."""
    return [run for run in runs if not run.validity.reasons] or list(runs)


def full_repeats(runs: Sequence[Run]) -> tuple[list[Run], list[str]]:
    """Of repeats, the usable ones that asked as much as the largest, and what is said of the smaller ones.

    A run of one item is no repeat of a run of a hundred, even where neither says that it is a part.
    """
    usable = usable_runs(runs)
    most = max(run.attempts.made or 0 for run in usable)
    smaller = [run for run in usable if (run.attempts.made or 0) < most]
    lines = [
        f"left out, {run.attempts.made or 'an unknown number of'} attempts beside {most}: {Path(run.file).name}"
        for run in smaller
    ]
    return [run for run in usable if run not in smaller], lines


def distinct_runs(runs: Sequence[Run]) -> tuple[list[Run], list[str]]:
    """The runs that tell something new, and remarks about the others."""
    if len(runs) == 1:
        return list(runs), []
    kept: list[Run] = []
    same = 0
    for run in runs:
        if any(is_copy(run, other) for other in kept):
            same += 1
        else:
            kept.append(run)
    remarks = [f"{same + 1} identical greedy repeats count once"] if same else []
    if len(kept) > 1 and all(is_greedy(run) for run in kept):
        remarks.append(f"{len(kept)} greedy runs differ: the engine is not deterministic; they are averaged")
    return kept, remarks


def is_copy(run: Run, other: Run) -> bool:
    """Whether a run repeats another and adds nothing: the same scores, and the same draws (or none)."""
    if not (is_greedy(run) and is_greedy(other)) and (run.seed is None or run.seed != other.seed):
        return False
    if run.score != other.score or run.errors != other.errors or len(run.repeats) != len(other.repeats):
        return False
    for one, two in zip(run.repeats, other.repeats, strict=True):
        if {name: a.score for name, a in one.items()} != {name: a.score for name, a in two.items()}:
            return False
    return True


def items_of_run(run: Run) -> dict[Hashable, float]:
    """Item (and which time it was asked) -> score, from the run, or the samples beside its record."""
    if run.repeats:
        return {(name, i): answer.score for i, own in enumerate(run.repeats) for name, answer in own.items()}
    path, seen = Path(run.file), Counter()
    record = read_record(path) if path.is_file() else None
    found: dict[Hashable, float] = {}
    for line in lines_of_run(run, read_sample_lines(path, record)) if record else ():
        if line.score is not None:
            found[line.name, seen[line.name]] = line.score * run.scale
        seen[line.name] += 1
    return found


def contradict(one: Mapping[Hashable, float], other: Mapping[Hashable, float]) -> bool:
    """Whether two greedy runs differ by more than an engine's noise, which gains as many items as it loses."""
    changes = [other[item] - one[item] for item in one.keys() & other.keys()]
    return mcnemar_p(sum(c > 0 for c in changes), sum(c < 0 for c in changes)) < CONTRADICTION


def contradiction(runs: Sequence[Run]) -> str:
    """Why the greedy ones of some repeats cannot be of one model; nothing where they can."""
    for one, other in itertools.combinations([run for run in runs if is_greedy(run)], 2):
        if one.subtask != other.subtask or one.score == other.score:
            continue
        items = items_of_run(one), items_of_run(other)
        errors = [run.standard_error for run in (one, other)]
        apart = None not in errors and abs(one.score - other.score) > CONTRADICTION_Z * math.hypot(*errors) > 0
        if contradict(*items) if all(items) else apart:
            found = " and ".join(f"{number(run.score)} in {run.file}" for run in (one, other))
            return f"greedy runs contradict one another: {found}; remove the wrong record"
    return ""


def mean_run(runs: Sequence[Run]) -> Run:
    """One run for some repeats: the mean of their scores with the mean of their errors (their items are the same ones,
    so that repeats do not make it smaller), what became of all attempts, and what is to be said."""
    against = contradiction(usable_runs(runs))
    runs, _ = distinct_runs(full_repeats(runs)[0])
    first = runs[0]
    if len(runs) == 1:
        return (
            replace(first, validity=replace(first.validity, reasons=(*first.validity.reasons, against)))
            if against
            else first
        )
    errors = [run.standard_error for run in runs]
    score = math.fsum(run.score for run in runs) / len(runs)
    scores = (
        " and ".join(number(value) for value in sorted(run.score for run in runs))
        if len(runs) < 4
        else f"{number(score)} on average"
    )
    reasons = dict.fromkeys(reason for run in runs for reason in run.validity.reasons)
    remarks = dict.fromkeys(remark for run in runs for remark in run.validity.remarks)
    validity = replace(
        first.validity,
        reasons=(*reasons, *([against] if against else [])),
        remarks=(f"mean of {len(runs)} repeats: {scores}", *remarks),
    )
    return replace(
        first,
        score=score,
        written=(score / first.scale, first.written[1]),
        standard_error=None if None in errors else math.fsum(errors) / len(errors),
        counts=dict(sum((Counter(run.counts) for run in runs), Counter())),
        times=sum(run.times for run in runs),
        validity=validity,
    )


def repeat_groups(runs: Sequence[Run]) -> list[list[Run]]:
    """Runs that are repeats of one another, in the order of the first of each group."""
    slots: dict[tuple[object, ...], list[list[Run]]] = defaultdict(list)
    groups = []
    for run in runs:
        own = next((group for group in slots[slot_of(run)] if are_repeats(group[0], run)), None)
        if own is None:
            groups.append(own := [])
            slots[slot_of(run)].append(own)
        own.append(run)
    return groups


def merged_repeats(runs: Sequence[Run]) -> tuple[list[Run], list[str]]:
    """One run for each group of repeats, and what is to be said of those that are copies."""
    merged, notes = [], []
    for group in repeat_groups(runs):
        merged.append(mean_run(group))
        kept, lines = full_repeats(group)
        left = [run for run in group if merged[-1] is not run and merged[-1].times == 1]
        copies = [Path(run.file).name for run in left if run in kept]
        invalid = [Path(run.file).name for run in left if run.validity.reasons and not merged[-1].validity.reasons]
        notes += lines
        notes += [f"the same result once more: {listing(copies, 3)}"] if copies else []
        notes += [f"left out, not valid, beside a valid repeat: {listing(invalid, 3)}"] if invalid else []
    return merged, notes


# --- parts/statistics/corpus.py ---------------------------------------------------------------------------------------


def ratio_of(sums: Any) -> Any:
    """Errors over length: WER, CER."""
    import numpy as np

    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(sums[..., 1] > 0, sums[..., 0] / sums[..., 1], np.nan)


def perplexity_of(sums: Any) -> Any:
    """exp(-log-likelihood over length)."""
    import numpy as np

    return np.exp(-ratio_of(sums))


def bleu_of(sums: Any) -> Any:
    """BLEU with sacrebleu's default smoothing (exp) of (..., 10) sums: n-grams found, said, and both lengths."""
    import numpy as np

    right, said, own, wanted = sums[..., :4], sums[..., 4:8], sums[..., 8], sums[..., 9]
    missed = np.cumsum((right == 0) & (said > 0), axis=-1)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        shares = np.where(right > 0, 100 * right, 100 / 2.0**missed) / said
        brevity = np.where(own < wanted, np.exp(1 - wanted / own), 1.0)
        score = brevity * np.exp(np.log(np.maximum(shares, 1e-300)).mean(-1))
    return np.where((said > 0).all(-1) & (right > 0).any(-1), score, 0.0)


def chrf_of(sums: Any) -> Any:
    """chrF (beta 2) of (..., 3 orders) sums: n-grams said, wanted, found of each order."""
    import numpy as np

    said, wanted, found = sums[..., 0::3], sums[..., 1::3], sums[..., 2::3]
    both = (said > 0) & (wanted > 0)
    orders = np.maximum(both.sum(-1), 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = (np.where(both, found / said, 0.0)).sum(-1) / orders
        recall = (np.where(both, found / wanted, 0.0)).sum(-1) / orders
        score = 100 * 5 * precision * recall / (4 * precision + recall)
    return np.where(precision + recall > 0, score, 0.0)


def f1_of_sums(sums: Any) -> Any:
    """Twice what is right over what is wanted plus what is said."""
    import numpy as np

    both = sums[..., 1] + sums[..., 2]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(both > 0, 2 * sums[..., 0] / both, np.nan)


def class_sums(sums: Any) -> tuple[Any, Any, Any]:
    """(right, wanted, said) of each class from (..., 3 classes) sums."""
    count = sums.shape[-1] // 3
    return sums[..., :count], sums[..., count : 2 * count], sums[..., 2 * count :]


def macro_f1_of(sums: Any, best: bool = False) -> Any:
    """The mean of F1 over the classes that somebody wanted or said; best: the largest of them."""
    import numpy as np

    right, wanted, said = class_sums(sums)
    there = wanted + said > 0
    with np.errstate(invalid="ignore", divide="ignore"):
        own = np.where(there, 2 * right / (wanted + said), 0.0)
        return own.max(-1) if best else own.sum(-1) / there.sum(-1)


def matthews_of(sums: Any) -> Any:
    """Matthews' correlation of wanted and said classes (Gorodkin 2004); 0 where one of them is always the same."""
    import numpy as np

    right, wanted, said = class_sums(sums)
    n = wanted.sum(-1)
    top = right.sum(-1) * n - (wanted * said).sum(-1)
    bottom = np.sqrt((n**2 - (wanted**2).sum(-1)) * (n**2 - (said**2).sum(-1)))
    return np.where(bottom > 0, top / np.where(bottom > 0, bottom, 1.0), 0.0)


def auroc_of(rows: Any) -> float:
    """The chance that a positive item (second column 1) has more of the first column than a negative one."""
    from scipy.stats import rankdata

    positive = rows[:, 1] > 0
    up, down = int(positive.sum()), int((~positive).sum())
    if not up or not down:
        return math.nan
    return float((rankdata(rows[:, 0])[positive].sum() - up * (up + 1) / 2) / (up * down))


def average_precision_of(rows: Any) -> float:
    """The mean of the precision over the recall that is gained, from the highest score down; equal ones together."""
    import numpy as np

    positive = rows[:, 1] > 0
    if not positive.any():
        return math.nan
    order = np.argsort(-rows[:, 0], kind="stable")
    scores, hits = rows[order, 0], np.cumsum(positive[order])
    last = np.flatnonzero(np.append(np.diff(scores) != 0, True))
    return float((hits[last] / (last + 1) * np.diff(hits[last], prepend=0)).sum() / hits[-1])


def correlation_of(name: str) -> Callable[[Any], float]:
    """Pearson's, Spearman's or Kendall's (tau-b) correlation of two columns; NaN where one of them is constant."""

    def of_rows(rows: Any) -> float:
        import numpy as np
        from scipy import stats

        if (rows[0] == rows).all(axis=0).any():
            return math.nan
        if name == "kendall":
            return float(stats.kendalltau(rows[:, 0], rows[:, 1]).statistic)
        off = rows if name == "pearson" else stats.rankdata(rows, axis=0)
        one, two = (off - off.mean(0)).T
        return max(-1.0, min(1.0, float(one @ two / np.sqrt((one @ one) * (two @ two)))))

    return of_rows


@dataclass(frozen=True, slots=True)
class Formula:
    """How a corpus's score is made: of the sums of its items' statistics, or (by_rows) of the statistics themselves.

    labels: an item's statistic is [wanted class, said class]. factor: from the formula to the score's unit. low, high:
    the score's range.
    """

    compute: Callable[[Any], Any]
    labels: bool = False
    by_rows: bool = False
    factor: float = 1.0
    low: float = 0.0
    high: float | None = 1.0

    def of(self, rows: Any) -> float:
        """The score of (items, d) statistics."""
        return self.factor * float(self.compute(rows if self.by_rows else rows.sum(0)))

    def weighted(self, rows: Any, weights: Any) -> Any:
        """The score of each of (draws, items) weights, whole numbers for a formula by rows: (draws,)."""
        import numpy as np

        if not self.by_rows:
            return self.factor * self.compute(weights @ rows)
        return self.factor * np.array([self.compute(np.repeat(rows, w.astype(int), axis=0)) for w in weights], float)


FORMULAS = {
    "ratio": Formula(ratio_of, high=None),
    "percent_ratio": Formula(ratio_of, factor=100.0, high=None),
    "perplexity": Formula(perplexity_of, low=1.0, high=None),
    "bits": Formula(ratio_of, factor=-1 / math.log(2), high=None),
    "bleu": Formula(bleu_of, high=100.0),
    "chrf": Formula(chrf_of, high=100.0),
    "f1": Formula(f1_of_sums),
    "f1_macro": Formula(macro_f1_of, labels=True),
    "f1_all": Formula(macro_f1_of, labels=True),
    "f1_max": Formula(partial(macro_f1_of, best=True), labels=True),
    "mcc": Formula(matthews_of, labels=True, low=-1.0),
    "auroc": Formula(auroc_of, by_rows=True),
    "average_precision": Formula(average_precision_of, by_rows=True),
    **{name: Formula(correlation_of(name), by_rows=True, low=-1.0) for name in ("pearson", "spearman", "kendall")},
}


def statistics_array(found: Sequence[tuple[Any, ...]], formula: str, classes: Sequence[str] = ()) -> Any:
    """(items, d) statistics; of classes (all that are wanted or said, in order): right, wanted, said of each.

    F1's classes are those that are wanted, as `classes` has them; a said one that is none of them is wrong.
    """
    import numpy as np

    if not FORMULAS[formula].labels:
        return np.array(found, float).reshape(len(found), -1)
    codes = {label: code for code, label in enumerate(classes)}
    rows = np.zeros((len(found), 3, len(classes)))
    for row, (wanted, said) in zip(rows, found, strict=True):
        for place, label in ((1, wanted), (2, said)):
            if label in codes:
                row[place, codes[label]] = 1
        if wanted == said:
            row[0, codes[wanted]] = 1
    return rows.reshape(len(found), -1)


def classes_of(found: Sequence[tuple[Any, ...]], formula: str) -> list[str]:
    """The classes that a score of labels is about: those that are wanted, but for f1_macro also those that are said."""
    if not FORMULAS[formula].labels:
        return []
    every = {row[0] for row in found} | ({row[1] for row in found} - {None} if formula != "f1_macro" else set())
    return sorted(every)


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


# --- parts/statistics/grouping.py -------------------------------------------------------------------------------------

FEWEST_GROUPS = 6  # fewer are kinds of items that were all chosen, as levels are, and no sample of such groups
MATTERS = 1.5  # design effect from which on a field is asked about
FIELD_LEVEL = 0.01  # level of the test that the field explains anything, shared among the fields
NOT_ASKED = {"attempts", "scored", "attempt_values", "limit_hit", "rater", "numerator", "denominator", "statistics"}


def may_group(name: str, values: Sequence[Any]) -> bool:
    """Whether a field has a value for every item, and few enough for so many items and not too few."""
    if name in NOT_ASKED or None in values or len(values) < 2 * FEWEST_GROUPS:
        return False
    return FEWEST_GROUPS <= len(set(values)) <= len(values) / 2


def explaining_field(
    differences: Any, columns: Mapping[str, Sequence[Any]], known: Sequence[Any] = (), tests: int = 1
) -> tuple[str, float] | None:
    """(field, design effect) of the column that explains most how (items,) differences agree; None without one.

    known: what the items are already known to share, as numbers; beyond that a field must matter. tests: among how many
    such questions the level is shared.
    """
    import numpy as np
    from scipy import special

    if not columns or any(groups.max() == 0 for groups in known):
        return None
    variance = float(two_way_variance(differences, list(known) or [None]))
    found: list[tuple[float, str]] = []
    for name, values in sorted(columns.items()) if variance > 0 else ():
        _, groups = np.unique(values, return_inverse=True)
        effect = clustered_standard_error(differences, groups) ** 2 / variance
        sizes, sums = np.bincount(groups), np.bincount(groups, differences)
        between = float((sums**2 / sizes).sum() - differences.sum() ** 2 / len(differences))
        spread = float(((differences - differences.mean()) ** 2).sum()) - between
        df = len(sizes) - 1, len(differences) - len(sizes)
        p = 0.0 if spread <= 1e-12 else float(special.fdtrc(*df, between / df[0] / (spread / df[1])))
        if effect > MATTERS and p < FIELD_LEVEL / (len(columns) * tests):
            found.append((effect, name))
    return (max(found)[1], max(found)[0]) if found else None


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


# --- parts/yaml_tree.py -----------------------------------------------------------------------------------------------

MAX_YAML = 5_000_000  # characters of a document
MAX_NODES = 1_000_000  # values in it after its aliases are expanded
MAX_DEPTH = 100
NUMBER_TAGS = {"tag:yaml.org,2002:int", "tag:yaml.org,2002:float"}
# A number for YAML 1.1, which PyYAML reads, and a text or another number for 1.2: 1:30 (to base 60), 1_000, 010, 0b1.
OLD_NUMBER = re.compile(r"[-+]?(?:.*[:_].*|0[0-7]+|0b.*)")


@dataclass(slots=True)
class YamlNode:
    """A value in a YAML text: what it is, where its characters are, and what it holds."""

    kind: str  # "mapping", "sequence", "scalar" or "alias"
    start: int
    line: int  # from 1
    column: int
    flow: bool = True  # written in one piece: {...}, [...], a scalar, an alias
    marked: bool = False  # a mapping or sequence that starts with an anchor or a tag
    end: int = 0  # behind its last character; of a block mapping or sequence, behind its last value
    items: list[YamlNode] = field(default_factory=list)  # of a mapping: key, value, key, value, ...
    text: str = ""
    key: str | None = None  # the text of a scalar, or of the scalar that an alias stands for
    size: int = 1  # values in it, aliases expanded

    def get(self, name: str) -> YamlNode | None:
        """The value under a key of a mapping; the node of the key stands before it in `items`."""
        pairs = zip(self.items[::2], self.items[1::2], strict=False) if self.kind == "mapping" else ()
        return next((value for key, value in pairs if key.kind == "scalar" and key.text == name), None)


def load_yaml(text: str, name: str, first_line: int = 1) -> tuple[Any, YamlNode | None]:
    """The values in a YAML text, and where they stand; ScriptError with line and reason.

    Loaded safely: a tag such as !!python is an error, and aliases that would expand to more than MAX_NODES are refused
    before anything is expanded. What is a number in YAML 1.1 alone is a text.
    """
    import yaml

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        def construct_object(self, node: Any, deep: bool = False) -> Any:
            if node.tag in NUMBER_TAGS and isinstance(node.value, str) and OLD_NUMBER.fullmatch(node.value):
                return node.value
            try:
                return super().construct_object(node, deep)
            except (ValueError, TypeError, OverflowError) as error:  # an impossible date: say where
                raise yaml.constructor.ConstructorError(None, None, str(error)[:200], node.start_mark) from error

    if len(text) > MAX_YAML:
        raise ScriptError(f"{name}: {len(text):,} characters of YAML are more than the {MAX_YAML:,} that are read")
    try:
        root = place_nodes(yaml.parse(text, Loader=Loader), name, first_line)
        return yaml.load(text, Loader=Loader), root
    except yaml.MarkedYAMLError as error:
        mark, start = error.problem_mark or error.context_mark, error.context_mark
        line = f", line {mark.line + first_line}" if mark else ""
        since = f" {error.context} that began in line {start.line + first_line}" if start and start != mark else ""
        raise ScriptError(f"{name}{line}: not valid YAML: {error.problem or error.context}{since}") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + first_line
        raise ScriptError(f"{name}, line {line}: not valid YAML: a control character, {error.character!r}") from error
    except RecursionError as error:
        raise ScriptError(f"{name}: not valid YAML: nested too deeply") from error


def place_nodes(events: Iterator[Any], name: str, first_line: int) -> YamlNode | None:
    """The tree of YAML events, without recursion; ScriptError for repeated keys and aliases without measure."""
    top = YamlNode("sequence", 0, 0, 0)
    stack, anchors, texts, kinds = [top], {}, {}, {"MappingStartEvent": "mapping", "SequenceStartEvent": "sequence"}
    for event in events:
        kind = type(event).__name__
        if kind in kinds or kind in ("ScalarEvent", "AliasEvent"):
            mark = event.start_mark
            node = YamlNode(kinds.get(kind, "scalar"), mark.index, mark.line + first_line, mark.column)
            node.end = event.end_mark.index
            if kind == "AliasEvent":
                node.kind, node.size = "alias", anchors.get(event.anchor, MAX_NODES)  # inside itself: without end
                node.key = texts.get(event.anchor)
            elif event.anchor:
                anchors[event.anchor] = MAX_NODES if kind in kinds else 1
                texts[event.anchor] = event.value if kind == "ScalarEvent" else None
            stack[-1].items.append(node)
            if kind in kinds:
                node.flow, node.text = bool(event.flow_style), event.anchor or ""
                node.marked = bool(event.anchor or event.tag)
                stack.append(node)
                if len(stack) > MAX_DEPTH:
                    raise ScriptError(f"{name}, line {node.line}: nested more than {MAX_DEPTH} deep")
                continue
            node.text = event.value if kind == "ScalarEvent" else ""
            node.key = event.value if kind == "ScalarEvent" else node.key
        elif kind in ("MappingEndEvent", "SequenceEndEvent"):
            node = stack.pop()
            if node.flow or not node.items:
                node.end = event.end_mark.index
            if node.text:
                anchors[node.text] = node.size
            if node.kind == "mapping":
                refuse_repeated_keys(node, name)
        else:
            continue
        stack[-1].size += node.size
        stack[-1].end = max(stack[-1].end, node.end)
        if stack[-1].size > MAX_NODES:
            raise ScriptError(f"{name}, line {node.line}: aliases expand to more than {MAX_NODES:,} values")
    return top.items[0] if top.items else None


def refuse_repeated_keys(node: YamlNode, name: str) -> None:
    """PyYAML takes the last of two equal keys, the Hub refuses the file: so is it here."""
    seen: set[str] = set()
    for key in node.items[::2]:
        if key.key in seen and key.key != "<<":
            raise ScriptError(f"{name}, line {key.line}: the key {key.key!r} occurs twice")
        seen.add(str(key.start) if key.key is None else key.key)


# --- parts/records/measured.py ----------------------------------------------------------------------------------------

MOST_ASKED = 20  # checkpoints nearest to the best, of which it is asked whether a field of the items matters


@dataclass(frozen=True, slots=True)
class Result:
    """A run of a checkpoint, with its items as arrays where they average to its score."""

    run: Run
    attempts: Attempts
    samples: Samples | None = None
    ends: tuple[float, float] | None = None  # its least and greatest score, where its items tell what was lost

    key = property(attrgetter("run.key"), doc="The benchmark.")
    subtask = property(attrgetter("run.subtask"), doc="The part of it; empty: the whole.")
    task = property(attrgetter("run.task"), doc="Benchmark and part.")
    metric = property(attrgetter("run.metric"), doc="What is measured.")
    result_id = property(attrgetter("run.result_id"), doc="The record's own name of it.")
    file = property(attrgetter("run.file"), doc="Where it stands.")
    score = property(attrgetter("run.estimate"), doc="The score with its error.")


@dataclass(frozen=True, slots=True)
class Samples:
    """One result's items as its samples file has them, in the order of `keys`.

    keys: sample id, hash and number of the repetition; clusters: a name for items that share a passage or a question,
    else None; scores: (items,) array on the record's scale, NaN where the answer could not be scored. raters: who
    judged each, "" where nobody is named. columns: what the items' metadata say that could group them, where nobody has
    said which of them belong together.
    """

    keys: tuple[tuple[str, str, int], ...]
    clusters: tuple[str | None, ...]
    scores: Any
    items_digest: str
    prompts_digest: str | None
    formula: str = ""
    statistics: tuple[Any, ...] = ()  # of each item, None where it has none; see parts/statistics/corpus.py
    lost: tuple[Any, ...] = ()  # the statistics of empty answers to the lost ones, None where nothing has them
    scale: float = 1.0
    raters: tuple[str, ...] = ()
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def make_result(reading: ReadResult, cluster_by: str | None, known: dict[str, Any]) -> Result:
    """A reading as the ranking keeps it; known: what several files have in common, kept once."""
    facts, run = reading.facts, reading.run
    usable = facts is not None and (facts.stated or (facts.factor is not None and not run.corpus_level))
    samples = make_samples(reading, cluster_by or run.cluster_field or None, known) if usable else None
    run = replace(run, counts={"empty": facts.empty} | dict(run.counts)) if facts else run
    return Result(run, reading.attempts, samples, ends_by_items(reading) if usable else None)


def ends_by_items(reading: ReadResult) -> tuple[float, float] | None:
    """The least and the greatest mean of a result's items, whatever its lost attempts would have got; None where none
    was lost, or nothing bounds it."""
    run, ends = reading.run, attempt_ends(reading.run)
    if not reading.attempts.lost or run.corpus_level or None in ends:
        return None
    run = with_answers(run, reading.lines, INDEPENDENT, reading.facts)
    names = {(run.subtask, name) for name in run.errors.union(*run.repeats)}
    return possible_mean([run], names, {run.subtask: 1.0}, *ends)


def attempt_ends(run: Run) -> tuple[float | None, float | None]:
    """The least and the greatest score of one attempt."""
    return (0.0, 1.0) if run.unit == "proportion" and not run.lower_is_better else (run.low, run.high)


def make_samples(reading: ReadResult, cluster_by: str | None, known: dict[str, Any]) -> Samples:
    """Samples from the lines about one result, in the order of their keys."""
    import numpy as np

    seen: dict[tuple[str, str], int] = {}
    found = {}
    for line in reading.lines:
        item = line.name, line.digest or ""
        seen[item] = place = seen.get(item, 0) + 1
        found[*item, place] = line
    keys = tuple(sorted(found))
    lines = [found[key] for key in keys]
    scores = np.array([math.nan if line.score is None else line.score for line in lines], float)
    metadata = [line.metadata for line in lines]
    prompts = [own.get("prompt_hash") for own in metadata]
    items_digest, run = digest_of(keys), reading.run
    columns = grouping_columns(metadata) if cluster_by is None else {}
    corpus = run.formula if reading.facts.stated else ""
    return Samples(
        known.setdefault(items_digest, keys),
        sample_clusters(keys, lines, cluster_by, known),
        scores * (reading.facts.factor or 1.0),
        items_digest,
        "" if None in prompts else digest_of(tuple(map(str, prompts))),
        corpus,
        tuple(own_statistic(line, corpus) for line in lines) if corpus else (),
        tuple(statistic_of(line.metadata, corpus) for line in lines if line.failed) if corpus else (),
        run.scale,
        raters_of(metadata),
        known.setdefault(digest_of(("columns", *sorted(columns.items()))), columns),
    )


def raters_of(metadata: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Who judged each item; () where nobody is named."""
    found = tuple(own.get("rater") or "" for own in metadata)
    return tuple(map(str, found)) if any(found) else ()


def grouping_columns(own: Sequence[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    """The fields of the items' metadata that could group them: name -> each item's value."""
    names = [name for name in own[0] if name not in (*REPEAT_FIELDS, *CLUSTER_FIELDS, "prompt_hash")] if own else []
    columns = {name: tuple(None if one.get(name) is None else str(one[name]) for one in own) for name in names}
    return {name: values for name, values in columns.items() if may_group(name, values)}


def grouped_unasked(items: ItemScores, columns: Mapping[str, Sequence[str]]) -> ItemScores:
    """The items drawn together by the field that explains how the checkpoints' differences agree, if one does."""
    import numpy as np

    if not columns or len(items.scores) < 2 or items.formula or items.raters is not None:
        return items
    means = np.nanmean(items.scores, axis=1)
    best = int(means.argmax())
    near = [i for i in np.abs(means - means[best]).argsort(kind="stable") if i != best][:MOST_ASKED]
    found = []
    for i in near:
        known = ~np.isnan(items.scores[[best, i]]).any(axis=0)
        _, sharing = np.unique(items.clusters[known], return_inverse=True)
        ways = [sharing] if sharing.max() + 1 < len(sharing) else []
        own = {name: np.array(values)[known] for name, values in columns.items()}
        told = explaining_field((items.scores[i] - items.scores[best])[known], own, ways, len(near))
        found += [told] if told else []
    if not found:
        return items
    name, effect = max(found, key=lambda pair: pair[1])
    _, groups = np.unique(columns[name], return_inverse=True)
    return replace(items, clusters=groups, grouped_by=(name, effect))


def mean_result(results: Sequence[Result]) -> Result:
    """One result for some repeats: the mean of scores and of each item; an item that one of them lost has none."""
    import numpy as np

    run = mean_run([result.run for result in results])
    for line in full_repeats([result.run for result in results])[1]:
        note(f"note: {run.task}: {line}")
    if any(run is result.run for result in results):  # the others are copies, or not valid
        return next(result for result in results if result.run is run)
    kept = {id(one) for one in distinct_runs(full_repeats([result.run for result in results])[0])[0]}
    results = [result for result in results if id(result.run) in kept]
    made = [result.attempts.made for result in results]
    attempts = Attempts(None if None in made else sum(made), sum(result.attempts.lost for result in results))
    samples = [result.samples for result in results]
    alike = None not in samples and len({one.items_digest for one in samples}) == 1 and not samples[0].formula
    if alike:
        first = samples[0]
        scores = np.mean([one.scores for one in samples], axis=0)
        samples = [replace(first, scores=scores)]
        run = with_error_of(run, samples[0])
    ends = [(result.score.value,) * 2 if not result.attempts.lost else result.ends for result in results]
    both = None if None in ends else tuple(math.fsum(own) / len(own) for own in zip(*ends, strict=True))
    return Result(run, attempts, samples[0] if alike else None, both)


def with_error_of(run: Run, samples: Samples) -> Run:
    """The mean of repeats with the error of its items' means: smaller than that of one repeat, as these differ.

    Where an item has no score, or there is one group of them alone, the error stays the mean of the repeats'.
    """
    import numpy as np

    names = [name or f" {place}" for place, name in enumerate(samples.clusters)]
    if run.standard_error is None or len(set(names)) < 2 or not np.isfinite(samples.scores).all():
        return run
    error = clustered_standard_error(samples.scores, names) * run.scale
    return replace(run, standard_error=min(error, run.standard_error))


def own_statistic(line: SampleLine, formula: str) -> tuple[Any, ...] | None:
    """What an item adds to a score of the whole corpus; None where it has no score."""
    return None if line.failed else statistic_of(line.metadata, formula)


@cache
def digest_of(parts: tuple[Hashable, ...]) -> str:
    """A short hash of some values in their order; kept, since many checkpoints have the same ones."""
    return hashlib.blake2b(repr(parts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def sample_clusters(
    keys: Sequence[tuple[str, str, int]], lines: Lines, cluster_by: str | None, known: dict[str, Any]
) -> tuple[str | None, ...]:
    """The cluster of each item: what it shares with others, or the item that repeats."""
    repeated = set() if cluster_by else {key[:2] for key in keys if key[2] > 1}
    clusters = tuple(
        group if group is not None else " ".join(key[:2]) if key[:2] in repeated else None
        for key, group in zip(keys, sharing_groups(lines, cluster_by), strict=True)
    )
    return known.setdefault(digest_of(clusters), clusters)


def align_items(samples: Mapping[Checkpoint, Mapping[str, Samples]]) -> dict[str, ItemScores]:
    """Task -> items of all checkpoints, for the tasks of which every checkpoint has samples.

    Items are the same when id, hash and repetition are; one that a checkpoint lacks is NaN there.
    """
    import numpy as np

    rows = list(samples.values())
    aligned = {}
    for task in dict.fromkeys(task for own in rows for task in own):
        if not all(task in own for own in rows):
            continue
        parts = [own[task] for own in rows]
        formulas = {part.formula for part in parts}
        if len(formulas) > 1 or (formulas != {""} and not same_items(parts)):
            continue  # nothing to resample where some have no statistics, or scores by rank are of other items
        keys = parts[0].keys
        if any(part.keys is not keys for part in parts):
            keys = tuple(sorted({key for part in parts for key in part.keys}))
        places = {key: i for i, key in enumerate(keys)}
        scores = np.full((len(parts), len(keys)), math.nan)
        clusters: list[str | None] = [None] * len(keys)
        for i, part in enumerate(parts):
            where = slice(None) if part.keys is keys else [places[key] for key in part.keys]
            scores[i, where] = part.scores
        for part in {id(part.clusters): part for part in parts}.values():
            for key, cluster in zip(part.keys, part.clusters, strict=True):
                clusters[places[key]] = clusters[places[key]] or cluster
        numbers: dict[Any, int] = {}
        marks = [
            numbers.setdefault(key if name is None else name, len(numbers))
            for key, name in zip(keys, clusters, strict=True)
        ]
        ids = tuple(key[0] if key[2] == 1 else f"{key[0]}#{key[2]}" for key in keys)
        judged = {key: rater for part in parts for key, rater in zip(part.keys, part.raters, strict=False)}
        names, raters = np.unique([judged.get(key, "") for key in keys], return_inverse=True)
        items = ItemScores(ids, np.array(marks), scores, raters=raters if 1 < len(names) < len(keys) else None)
        items = with_statistics_of(parts, places, items)
        alike = all(part.keys is keys and part.columns is parts[0].columns for part in parts)
        aligned[task] = grouped_unasked(items, parts[0].columns) if alike else items
    return aligned


def same_items(parts: Sequence[Samples]) -> bool:
    """Whether every checkpoint has a statistic of every item, or the score can do without."""
    every = all(part.keys == parts[0].keys and None not in part.statistics for part in parts)
    return every or not FORMULAS[parts[0].formula].by_rows


def with_statistics_of(parts: Sequence[Samples], places: Mapping[Any, int], items: ItemScores) -> ItemScores:
    """The items with what they add to a score of the whole corpus, where it is one; places: of each key."""
    import numpy as np

    formulas = {part.formula for part in parts}
    if formulas == {""}:
        return items
    formula = formulas.pop()
    known = [one for part in parts for one in part.statistics if one is not None]
    classes = classes_of(known, formula)
    found = None
    for i, part in enumerate(parts):
        own = [(places[key], one) for key, one in zip(part.keys, part.statistics, strict=True) if one is not None]
        rows = statistics_array([one for _, one in own], formula, classes)
        found = np.zeros((*items.scores.shape, rows.shape[1])) if found is None else found
        found[i, [place for place, _ in own]] = rows
    return replace(items, formula=formula, statistics=found, scale=parts[0].scale)


def samples_by_task(
    chosen: Mapping[Checkpoint, Sequence[Result]], cluster_by: str | None = None
) -> dict[Checkpoint, dict[str, Samples]]:
    """The samples of the chosen results that average to the recorded score, by checkpoint and task.

    None of scores from one file of votes that tells how far each is above the others: their votes are mostly others'.
    """
    files = Counter(
        (result.task, result.run.votes.file) for rows in chosen.values() for result in rows if in_votes(result)
    )
    found = {
        checkpoint: {
            result.task: result.samples for result in results
            if result.samples is not None and not (in_votes(result) and files[result.task, result.run.votes.file] > 1)
        }
        for checkpoint, results in chosen.items()
    }  # fmt: skip
    everything = [samples for own in found.values() for samples in own.values()]
    asked = cluster_by not in (None, INDEPENDENT)
    if asked and everything and all(set(samples.clusters) == {None} for samples in everything):
        raise ScriptError(f"--cluster-by {cluster_by}: no sample has it, neither in its metadata nor beside it")
    return found


def in_votes(result: Result) -> bool:
    """Whether a score is of votes that tell how far it is above others'."""
    return result.run.votes is not None and bool(result.run.votes.gaps)


class Owners:
    """Finds the checkpoint that a record is about: by the hash of its weights, else by path and folder name.

    Results of the same weights that were read with other files are refused.
    """

    def __init__(self, checkpoints: Sequence[Checkpoint]) -> None:
        self.checkpoints = checkpoints
        self.hashes: dict[Checkpoint, str] = {}
        self.files: dict[Checkpoint, str] = {}
        self.by_hash: dict[str, Checkpoint] = {}
        self.by_name_alone: list[str] = []  # the checkpoint of each record that has no hash of its weights
        self.by_name: dict[str, list[tuple[Checkpoint, tuple[str, ...]]]] = defaultdict(list)
        self.known: dict[tuple[str, ...], Checkpoint | None] = {}
        for checkpoint in checkpoints:
            path = checkpoint.path.resolve()
            self.by_name[path.name].append((checkpoint, path.parts))

    def weights(self, checkpoint: Checkpoint) -> str:
        """The hash of a checkpoint's weights."""
        if checkpoint not in self.hashes:
            try:
                self.hashes[checkpoint] = weights_sha256(checkpoint.path)
            except OSError as error:
                raise ScriptError(f"{checkpoint.path}: weights not readable: {error.strerror or error}") from error
        return self.hashes[checkpoint]

    def is_read_alike(self, checkpoint: Checkpoint, digest: str) -> bool:
        """Whether the files beside a checkpoint's weights have this hash; of an adapter's base they are not here."""
        if not digest or is_adapter(checkpoint.path):
            return True
        if checkpoint not in self.files:
            self.files[checkpoint] = model_files_sha256(checkpoint.path)
        return self.files[checkpoint] == digest

    def with_weights(self, digest: str) -> Checkpoint | None:
        """The checkpoint whose weights have this hash."""
        if len(self.by_hash) < len(self.checkpoints):
            self.by_hash = {self.weights(c): c for c in reversed(self.checkpoints)}
        return self.by_hash.get(digest)

    def named(self, path: str) -> Checkpoint | None:
        """The checkpoint with this folder name whose path has the other folders of `path`, in order."""
        parts = [part for part in PurePosixPath(path).parts if part not in ("..", ".", "/")]
        for checkpoint, folders in self.by_name.get(parts[-1], ()) if parts else ():
            rest = iter(folders)
            if all(part in rest for part in parts):
                return checkpoint
        return None

    def of(self, record: Mapping[str, Any], file: Path) -> Checkpoint | None:
        """The record's checkpoint, or None when it is about another model; ScriptError for results of other weights."""
        info = record.get("model_info") if isinstance(record.get("model_info"), dict) else {}
        details = info.get("additional_details") or record
        if not isinstance(details, dict):
            return None
        said = (str(details.get(name) or "") for name in ("weights_sha256", "path", "model_files_sha256"))
        below = str(details.get("subfolder") or details.get("gguf_file") or "").rstrip("/").rsplit("/", 1)[-1]
        about = *said, below, "failure" if record.get("failure") else ""
        if about not in self.known:  # a checkpoint's records all say the same of it
            self.known[about] = self.found(*about, file)
        return self.known[about]

    def found(self, digest: str, path: str, files: str, below: str, failure: str, file: Path) -> Checkpoint | None:
        """As `of`, by what a record says of its model."""
        named = self.named(path)
        if named and not digest and below and below != named.path.name:
            return None  # another model in that folder
        if not digest:
            self.by_name_alone += [named.name] if named else []
            return named
        owner = named if named and self.weights(named) == digest else self.with_weights(digest)
        if failure:
            return owner
        if owner and not self.is_read_alike(owner, files):
            raise ScriptError(
                f"{file}: results of the weights of {owner.path} with another config.json, tokenizer or template than "
                "those there: evaluate it again, or remove the record"
            )
        if named and not owner:
            raise ScriptError(
                f"{file}: results of other weights: {named.path} has changed since; evaluate it again, or remove the "
                "record"
            )
        return owner


def read_measured(
    folders: Sequence[Path],
    checkpoints: Sequence[Checkpoint],
    vocabulary: MetricMapping,
    cluster_by: str | None = None,
    base: Checkpoint | None = None,
) -> tuple[dict[Checkpoint, list[Result]], list[dict[str, Any]], list[str]]:
    """Results by checkpoint, tasks that failed and were not measured since, and the model of each record of others.

    base: another model whose results are read, too, by its id.
    """
    owners = Owners(checkpoints)
    results: dict[Checkpoint, list[Result]] = defaultdict(list)
    failed, strangers, meant, known = [], [], [], {}
    read = [(path, read_record(path, trainer=True)) for path in progress(record_files(folders), "reading records")]
    entries = [(path, record) for path, record in read if record is not None]
    benchmarks = [(path, record) for path, record in entries if not is_trainer_log(record)]
    if benchmarks and len(benchmarks) < len(entries):
        note(f"left out: {len(entries) - len(benchmarks)} records of what a trainer logged, no benchmark's scores")
    for path, record in benchmarks or entries:
        owner = owners.of(record, path)
        if owner is None and base is not None and (identity := identity_of(record)).answers_to(base.name):
            owner = base
            meant.append(identity)
        if record.get("failure"):
            failed += [(owner, path, record)] if owner else []
        elif owner:
            readings = read_results(path, record, vocabulary, whole=bool(cluster_by))
            results[owner] += [make_result(reading, cluster_by, known) for reading in readings]
        else:
            info = record.get("model_info")
            strangers.append(single_line(info.get("id") if isinstance(info, dict) else "")[:100] or "unnamed")
    if base is not None and meant:
        one_model(meant, base.name)
    if alone := list(dict.fromkeys(owners.by_name_alone)):
        note(
            f"note: results of {listing(alone)} count by the folder's name alone: no hash in them says which weights "
            "were measured (convert_results.py --checkpoints makes one)"
        )
    failures = []
    for owner, path, record in failed:
        task, error = single_line(record.get("task")), single_line(record.get("error"))[:200]
        library = record.get("eval_library")
        library = str(library.get("name", "")) if isinstance(library, dict) else "lighteval"
        measured = {(r.key, r.subtask) for r in results.get(owner, ())}
        if vocabulary.task_key(task, library) not in measured:
            failures.append({"checkpoint": owner.name, "task": task, "error": error, "file": path.as_posix()})
    return results, failures, strangers


def read_weights(source: str | None, vocabulary: MetricMapping) -> Mapping[str, float] | None:
    """Category -> weight, from a JSON or YAML file or the reference's own."""
    if source is None:
        return None
    if source == "reference":
        return {key: rule.weight for key, rule in STEP_FORMULAS.items()}
    value, _ = load_yaml(input_text(source, where=f"--weights {source}"), f"--weights {source}")
    if not isinstance(value, dict) or not value:
        raise ScriptError(f"--weights {source}: a mapping of category to weight is expected")
    weights = {}
    for name, weight in value.items():
        key = vocabulary.key(str(name))
        if key is None:
            raise ScriptError(f"--weights {source}: unknown name {name!r}{nearest(str(name), vocabulary.entries)}")
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight < math.inf:
            raise ScriptError(f"--weights {source}: the weight of {name} is {weight!r}, not a number of at least 0")
        weights[key] = float(weight)
    return weights


# --- parts/ranking/scores.py ------------------------------------------------------------------------------------------

# Settings that say what a local task file and its data contain, as hashes.
CONTENT = ("task file", "data set revision", "task_file_sha256", "items_sha256")


def step_formula_scores(step: int) -> dict[str, Estimate]:
    """The reference scoring of a training step: category -> Estimate without standard error or items."""
    x = step / 100
    return {key: Estimate(round(min(rule.curve(x), rule.cap), 3)) for key, rule in STEP_FORMULAS.items()}


def mean_score(scores: Sequence[Estimate], weights: Sequence[float] | None = None) -> Estimate:
    """The (weighted) mean of scores, with its standard error when every part has one (parts taken as independent).

    What all parts have in common stays: unit, metric, shots.
    """
    if len(scores) == 1:
        return scores[0]
    weights = weights or [1.0] * len(scores)
    total = math.fsum(weights)
    value = math.fsum(w * s.value for w, s in zip(weights, scores, strict=True)) / total
    errors = [s.standard_error for s in scores]
    error = None
    if None not in errors:
        error = math.sqrt(math.fsum((w * e) ** 2 for w, e in zip(weights, errors, strict=True))) / total
    counts = [s.n for s in scores]
    units, metrics, shots = ({getattr(s, name) for s in scores} for name in ("unit", "metric", "shots"))
    return Estimate(
        value,
        error,
        None if None in counts else sum(counts),
        units.pop() if len(units) == 1 else "mixed",
        any(s.lower_is_better for s in scores),
        metrics.pop() if len(metrics) == 1 else None,
        shots.pop() if len(shots) == 1 else None,
    )


def category_members(scores: Mapping[str, Estimate], vocabulary: MetricMapping) -> dict[str, list[str]]:
    """Category -> the benchmarks that make it; a score for the category itself is the category's.

    Benchmarks without a category count only where none has one: then each stands for itself. Where none is a share of
    right answers, those of one metric count (the WER of three data sets).
    """
    whole = [key for key, score in scores.items() if score.averages]
    if not whole and len({(score.unit, score.lower_is_better, score.metric) for score in scores.values()}) == 1:
        whole = list(scores)
    members: dict[str, list[str]] = defaultdict(list)
    for key in whole:
        category = vocabulary.category(key)
        if category and (category == key or category not in whole):
            members[category].append(key)
    members = members or {key: [key] for key in whole}
    placed = sorted(members, key=lambda key: (category_order(key)[0], vocabulary.place(key)))
    return {key: members[key] for key in placed}


def category_scores(scores: Mapping[str, Estimate], vocabulary: MetricMapping) -> dict[str, Estimate]:
    """Category -> mean of its benchmarks that may be averaged."""
    members = category_members(scores, vocabulary)
    return {category: mean_score([scores[key] for key in keys]) for category, keys in members.items()}


def uncounted(
    scores: Mapping[str, Estimate], categories: Mapping[str, Estimate], vocabulary: MetricMapping
) -> dict[str, str]:
    """What does not enter eval_accuracy, and why: {"blimp": "blimp (no category)"}."""
    found = {}
    counted = {key for keys in category_members(scores, vocabulary).values() for key in keys}
    for key, score in scores.items():
        category = vocabulary.category(key)
        if key in counted:
            continue
        if not score.averages:
            why = (
                f"{score.metric}, nothing says its unit"
                if score.unit == "unknown"
                else "no proportion of which more is better"
            )
            found[key] = f"{key} ({why})"
        elif key not in categories and (category is None or category in scores):
            found[key] = f"{key} (its category was measured itself)" if category else f"{key} (no category)"
    return dict(sorted(found.items()))


def category_order(key: str) -> tuple[int, str]:
    """Sort key: the fifteen categories in the reference's order, then everything else by name."""
    return CATEGORY_ORDER.get(key, len(CATEGORY_ORDER)), key


def overall_score(
    categories: Mapping[str, Estimate], weights: Mapping[str, float] | None, digits: int | None
) -> Estimate:
    """eval_accuracy: the plain or weighted mean of the categories."""
    keys = list(categories)
    if weights is None:
        return mean_score([categories[key] for key in keys])
    missing = [key for key in keys if key not in weights]
    if missing:
        raise ScriptError(f"--weights has no weight for {listing(missing)}; add them, or choose others by --benchmarks")
    if not any(weights[key] for key in keys):
        raise ScriptError(f"--weights gives 0 to all of {listing(keys)}; give one of them a positive weight")
    score = mean_score([categories[key] for key in keys], [weights[key] for key in keys])
    return score if digits is None else replace(score, value=round(score.value, digits))


def choose_results(results: Sequence[Result], where: str, metric: str | None, wanted: set[str]) -> list[Result]:
    """From all results of one benchmark for one checkpoint: the one that ranks, or one for each of its subtasks.

    Several metrics: the one that metric_mapping.json (or --result-id) names. The whole goes before its subtasks.
    """
    by_subtask: dict[str, list[Result]] = defaultdict(list)
    named = [r for r in results if r.result_id in wanted]
    for result in named or [r for r in results if not is_of_raters(r.metric)] or results:
        by_subtask[result.subtask].append(result)
    chosen = []
    for subtask in [""] if "" in by_subtask else sorted(by_subtask):
        rows = by_subtask[subtask]
        if len({r.metric for r in rows}) > 1:
            usual = [r for r in rows if metric and same_metric(r.metric, metric)]
            if not usual:
                ids = sorted({r.result_id for r in rows})
                raise ScriptError(f"{where}: several metrics; choose one with --result-id: {listing(ids, 20)}", code=3)
            rows = usual
        chosen.append(choose_run(rows, where))
    return chosen


def choose_run(rows: Sequence[Result], where: str) -> Result:
    """The run of a task and metric: a full one before a limited one, else that with most items; repeats are averaged.

    Runs with equal scores count once. Other settings, or another state of the model, are a choice.
    """
    if len(rows) == 1:
        return rows[0]
    ids = sorted({r.result_id for r in rows})
    if len(ids) > 1:
        raise ScriptError(f"{where}: measured in several ways; choose one with --result-id: {listing(ids, 20)}", code=3)
    full = sorted(counted_runs(rows), key=lambda r: (sorted(r.run.settings.items()), r.file))
    first = full[0]
    for other in full:
        if other.score.value == first.score.value or (
            slot_of(first.run) == slot_of(other.run) and are_repeats(first.run, other.run)
        ):
            continue
        different = difference_lines(setting_differences(first.run, other.run))
        if different:
            raise ScriptError(
                f"{where}: runs with different settings ({'; '.join(different[:3])}): {first.file} and {other.file}; "
                "give the folder of one run with --results",
                code=3,
            )
        raise ScriptError(
            f"{where}: two scores for the same settings, {first.score.value} in {first.file} ({first.run.date}) and "
            f"{other.score.value} in {other.file} ({other.run.date}), and nothing proves that the weights were the "
            "same; give the folder of one run with --results, or remove the wrong record",
            code=3,
        )
    return mean_result([r for r in full if slot_of(r.run) == slot_of(first.run)])


def counted_runs(rows: Sequence[Result]) -> list[Result]:
    """The valid runs of a result, where there are some; of these the full ones, else those on most items."""
    rows = [r for r in rows if not r.run.validity.reasons] or list(rows)
    most = max(r.score.n or 0 for r in rows)
    return [r for r in rows if not r.run.partial] or [r for r in rows if (r.score.n or 0) == most]


def one_content(results: Mapping[Any, Sequence[Result]]) -> tuple[dict[Any, list[Result]], list[str]]:
    """Each checkpoint's results without those of another content of their local task file or data; and what is said.

    A file of questions that was corrected is another benchmark under the same name. Of such versions the one that
    covers most checkpoints counts, of equals the newest. Runs that differ in more, or in no moment, stay: a choice.
    """
    found: dict[str, dict[Any, list[Result]]] = defaultdict(lambda: defaultdict(list))
    for checkpoint, own in results.items():
        for row in own:
            found[row.result_id][checkpoint].append(row)
    out: set[int] = set()
    lines = []
    for _, every in sorted(found.items()):
        rows = {checkpoint: counted_runs(own) for checkpoint, own in every.items()}
        if len({content(row) for own in rows.values() for row in own}) == 1:
            continue
        covers: dict[tuple[str, ...], dict[str, None]] = defaultdict(dict)
        moments: dict[tuple[str, ...], datetime] = {}
        for checkpoint, row in ((c, row) for c, own in rows.items() for row in own):
            version, moment = content(row), moment_of_run(row.run)
            moments[version] = max(moment, moments.get(version, moment))
            covers[version] |= {} if row.run.validity.reasons else {checkpoint.name: None}
        standing = {version: (len(covers[version]), moment) for version, moment in moments.items()}
        left = [row for own in rows.values() for row in other_contents(own, standing)]
        out |= set(map(id, left))
        newest = moments[max(standing, key=lambda version: standing[version])]
        for version, row in {content(row): row for row in reversed(left)}.items():
            missing = [c.name for c in rows if c.name not in covers[version]]
            line = f"with another content of the task's file ({row.run.date}), of {listing(covers[version], 20)}"
            if moments[version] < newest or not missing:
                lines.append(f"left out: {row.task}: older runs {line}")
            else:
                lines.append(
                    f"left out: {row.task}: newer runs {line}; ranked is the version that covers most checkpoints. To "
                    f"rank by the newer one measure it, into the same folder, for {listing(missing, 20)}, too (--model "
                    f"with these in the command that {row.file} holds)"
                )
    return {c: [row for row in own if id(row) not in out] for c, own in results.items()}, lines


def content(row: Result) -> tuple[str, ...]:
    """What a run's record says of the content of its local task file and data."""
    return tuple(row.run.settings.get(name, "") for name in CONTENT)


def other_contents(rows: Sequence[Result], standing: Mapping[tuple[str, ...], Any]) -> list[Result]:
    """Of a checkpoint's runs that differ in the content of their task file alone, those of a lesser standing."""
    best = max(rows, key=lambda row: standing[content(row)])
    others = [row for row in rows if content(row) != content(best)]
    alone = all(set(setting_differences(best.run, row.run)) <= set(CONTENT) for row in others)
    less = all(standing[content(row)] < standing[content(best)] for row in others)
    dated = all(moment_of_run(row.run) != moment_of_run(best.run) for row in others)
    hashes = all(re.fullmatch("[0-9a-f]{64}", text) for row in rows for text in content(row) if text)
    return others if alone and less and dated and hashes else []


def chosen_results(results: Sequence[Result], where: str, vocabulary: MetricMapping, wanted: set[str]) -> list[Result]:
    """The results of one checkpoint that count: one for each benchmark, or for each of its parts."""
    by_key: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        by_key[result.key].append(result)
    chosen = []
    for key, rows in by_key.items():
        metric = vocabulary.entries.get(key, {}).get("metric")
        chosen += choose_results(rows, f"{where}, {key}", metric, wanted)
    return chosen


def passed_over_lines(
    results: Mapping[Checkpoint, Sequence[Result]], chosen: Mapping[Checkpoint, Sequence[Result]]
) -> list[str]:
    """By what benchmarks are ranked whose records have acc and acc_norm, or are of several harnesses: each may order
    otherwise."""

    def way(result: Result) -> tuple[str, str]:
        return result.run.harness[0], metric_key(result.metric)

    named = Counter((result.key, way(result), result.metric) for rows in chosen.values() for result in rows)
    used: dict[str, dict[tuple[str, str], str]] = defaultdict(dict)
    left: dict[str, dict[str, str]] = defaultdict(dict)
    for (key, own, metric), count in named.items():
        if count == max(number for (other, *_), number in named.items() if other == key):  # what few have is not ranked
            used[key][own] = metric
    for rows in results.values():
        for result in rows:
            own = used.get(result.key, {})
            harness, metric = way(result)
            alone = harness not in {name for name, _ in own}
            weighed = all(name.startswith("acc") for _, name in [*own, (harness, metric)])
            if own and (alone or (weighed and (harness, metric) not in own)):
                left[result.key][result.result_id] = f"{harness}'s {result.metric}" if alone else result.metric
    return [
        f"{key} is ranked by {listing(used[key].values())}; {listing(dict.fromkeys(ids.values()))} is in the records, "
        f"too, and may order otherwise: {option_words('--result-id', next(iter(ids)))}"
        for key, ids in sorted(left.items())
    ]


def scores_by_task(chosen: Iterable[Result]) -> dict[str, dict[str, Estimate]]:
    """Benchmark -> task -> score."""
    tasks: dict[str, dict[str, Estimate]] = defaultdict(dict)
    for result in chosen:
        tasks[result.key][result.task] = result.score
    return tasks


# --- parts/ranking/vocabulary.py --------------------------------------------------------------------------------------

RANKING_SCHEMA = "3"
EXCLUDED = "left out with --exclude"  # why a checkpoint does not take part
OTHER_SCALE = "on another scale"


@dataclass(frozen=True, slots=True)
class Standing:
    """How sure a checkpoint's place is; `score` is what ranks (eval_accuracy, or with --smooth the trailing mean)."""

    score: float
    interval: Interval
    p_best: float | None  # None where nothing else is ranked, or lost attempts could change who is best
    ranks: tuple[int, int]
    p_value: float  # of the model confidence set: below 0.05 it is not in the tied set
    difference: tuple[float, float, float] | None = None  # to the baseline: estimate, low, high


@dataclass(frozen=True, slots=True)
class Corrected:
    """The score of the best point estimate, as found and corrected for having been picked."""

    name: str
    raw: float
    value: float
    standard_error: float
    method: str
    gain: tuple[float, float, float] | None = None  # over the base model: corrected estimate, low, high


@dataclass(frozen=True, slots=True)
class Trend:
    """What the last checkpoints do: the change over them by their regression line, with its interval."""

    verdict: str
    change: Interval
    estimate: float
    names: tuple[str, ...]
    checkpoint: str | None = None  # that the verdict names


@dataclass(frozen=True, slots=True)
class Statistics:
    """How sure the ranking is; `standings` by checkpoint name, for those that can be chosen."""

    source: str  # items, standard errors, or both
    method: str
    draws: int
    seed: int
    items: int
    by_errors: tuple[str, ...]  # tasks without usable samples: independent normal errors
    standings: Mapping[str, Standing]
    tied_set: tuple[str, ...]
    corrected: Corrected
    trend: Trend | None
    baseline: str | None = None
    baseline_score: float | None = None  # of another model than the checkpoints


@dataclass(frozen=True, slots=True)
class Unlike:
    """A checkpoint whose runs were not measured as the others' were, or not validly; its scores where all have some."""

    checkpoint: Checkpoint
    reasons: tuple[str, ...]
    scores: Mapping[str, Estimate]


@dataclass(frozen=True, slots=True)
class Ahead:
    """A checkpoint that is not ranked and reports a better score than the best of the ranked ones, or (`within`) one
    that is not shown to be worse.

    `score` is over `over` where that is not all that is ranked; `remedy`: what would make it one of the ranked.
    """

    name: str
    score: float
    why: str
    remedy: str
    over: str = ""
    standard_error: float | None = None
    within: bool = False


@dataclass(frozen=True, slots=True)
class Ranked:
    """A compared checkpoint with its scores by benchmark and by category, and the mean that ranks it."""

    checkpoint: Checkpoint
    eval_accuracy: float
    standard_error: float | None
    scores: Mapping[str, Estimate]
    categories: Mapping[str, Estimate]
    records: tuple[str, ...] = ()
    unranked: Mapping[str, Estimate] = field(default_factory=dict)  # measured, but not for every compared checkpoint
    tasks: Mapping[str, Mapping[str, Estimate]] = field(default_factory=dict)  # of each benchmark
    reach: tuple[float, float] | None = None  # eval_accuracy with all lost attempts wrong, and right; None: none lost
    part_weights: Mapping[str, float] = field(default_factory=dict)  # of a task in its benchmark's score
    interval: Interval | None = None
    whole: Estimate | None = None  # eval_accuracy with its unit, metric and direction, where a formula made none of it
    smoothed: float | None = None  # with --smooth: the mean over the last checkpoints up to this one
    smoothed_reach: tuple[float, float] | None = None  # the same of it
    distribution: Mapping[str, Any] = field(default_factory=dict)
    incomplete: Mapping[str, str] = field(default_factory=dict)  # benchmark -> what it lacks to be one

    @property
    def sign(self) -> int:
        """-1 where less of what ranks is better (WER, perplexity)."""
        return -1 if self.whole is not None and self.whole.lower_is_better else 1

    @property
    def ranks_by(self) -> float:
        """The number that places it, more is better: eval_accuracy, or with --smooth the mean over the last ones."""
        return self.sign * (self.eval_accuracy if self.smoothed is None else self.smoothed)

    @property
    def ends(self) -> tuple[float, float]:
        """The least and the greatest that ranks_by could be, whatever the lost attempts would have got."""
        reach = self.reach if self.smoothed is None else self.smoothed_reach
        return (self.ranks_by, self.ranks_by) if reach is None else (self.sign * reach[0], self.sign * reach[1])

    @property
    def metric(self) -> str:
        """What ranks it: eval_accuracy, or the one metric that is no share of right answers."""
        averages = self.whole is None or self.whole.averages
        return "eval_accuracy" if averages else self.whole.metric or "score"

    def title(self, key: str, name: str) -> str:
        """A benchmark's name, and how many of its parts its score is of, where these are not all."""
        return f"{name} ({len(self.tasks.get(key, ())) or 'some'} of its parts)" if key in self.incomplete else name

    def score(self, key: str) -> Estimate | None:
        """Its score for a benchmark or a category, ranked or not."""
        return self.scores.get(key) or self.categories.get(key) or self.unranked.get(key)


def candidates(ranked: Sequence[Ranked]) -> tuple[Ranked, ...]:
    """The checkpoints that can be chosen: all, or with --smooth those with a smoothed score."""
    return tuple(r for r in ranked if r.smoothed is not None) or tuple(ranked)


def could_win(best: Ranked, ranked: Sequence[Ranked]) -> tuple[Ranked, ...]:
    """The others that would be the best with other outcomes of the attempts that were lost."""
    rest = (r for r in candidates(ranked) if r is not best and r.ends[1] > best.ends[0] + 1e-12)
    return tuple(r for r in rest if r.ends[0] < r.ends[1] or best.ends[0] < best.ends[1])


@dataclass(frozen=True, slots=True)
class Ranking:
    """The outcome: compared checkpoints in step order, the benchmarks that rank, the best one and its ties."""

    score_source: str
    overall: str
    benchmarks: tuple[str, ...]
    ranked: tuple[Ranked, ...]
    best: Ranked
    tied: tuple[Ranked, ...]
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...] = ()
    failures: tuple[dict[str, Any], ...] = ()
    left_out: tuple[str, ...] = ()  # measured for all, and no part of what ranks: why
    harnesses: tuple[str, ...] = ()
    unlike: tuple[Unlike, ...] = ()
    ahead: tuple[Ahead, ...] = ()  # which leave it open what is best
    lacks: tuple[
        str, ...
    ] = ()  # benchmarks of others that the leading one was not measured on: they leave it open, too
    allow_unlike: bool = False
    statistics: Statistics | None = None
    no_statistics: str = "nothing was measured"
    smooth: int = 1
    tie_break: str | None = None
    partial: str = ""  # that it is about a part of the items
    base: Ranked | None = None  # the model of --baseline-model: measured alike, and not ranked
    counted: tuple[Result, ...] = ()  # the best one's results that its scores are made of
    measured: tuple[Result, ...] = ()  # all that were measured of it, also what does not rank

    @property
    def equal(self) -> bool:
        """Whether nothing tells the checkpoints apart: all measured with one score, and no rule chooses."""
        scores = [r.ranks_by for r in candidates(self.ranked)]
        same = all(math.isclose(score, scores[0], rel_tol=1e-12, abs_tol=1e-12) for score in scores)
        return same and len(scores) > 1 and not self.tie_break and not self.synthetic

    @property
    def open(self) -> bool:
        """Whether what is not ranked, or another one if lost attempts were known, may be better than what leads."""
        return bool(self.ahead or self.lacks or self.rivals)

    @property
    def rivals(self) -> tuple[Ranked, ...]:
        """Those that other outcomes of lost attempts would make the best one, where no rule chooses among them."""
        return () if self.tie_break or self.equal else could_win(self.best, self.ranked)

    @property
    def undecided(self) -> bool:
        """Whether it names no best one: nothing tells them apart, or another one may be better."""
        return self.equal or self.open

    @property
    def metric(self) -> str:
        """What ranks, for a table's head: eval_accuracy, or the one metric that is no share of right answers."""
        return self.best.metric + (" (less is better)" if self.best.sign < 0 else "")

    @property
    def synthetic(self) -> bool:
        """True when the scores come from the step number and not from an evaluation."""
        return self.score_source == "step-formula"


# --- parts/records/groups.py ------------------------------------------------------------------------------------------


def part_name(subtask: str) -> str:
    """A part's own name: HELM and inspect call it by the option that selects it: "subject=anatomy" is anatomy."""
    name = subtask.rpartition("/")[2]
    return name if "," in name else name.rpartition("=")[2]


def group_of_parts(key: str, subtasks: Iterable[str], vocabulary: MetricMapping) -> Mapping[str, Any] | None:
    """The group of a benchmark that some parts belong to; None where the vocabulary knows none that has them all."""
    subtasks = list(subtasks)
    wanted = {part_name(part) for part in subtasks}
    groups = {part.rpartition("/")[0] for part in subtasks}
    for place, rule in enumerate(vocabulary.entries.get(key, {}).get("parts") or ()):
        if groups == {"" if place == 0 else rule["group"]} and wanted <= set(rule["names"].split()):
            return rule
    return None


def lacking_parts(key: str, subtasks: Iterable[str], vocabulary: MetricMapping) -> list[str]:
    """The parts of a benchmark that a set of some lacks; nothing where it is whole, or nobody knows its parts."""
    subtasks = list(subtasks)
    if not subtasks or "" in subtasks or (rule := group_of_parts(key, subtasks, vocabulary)) is None:
        return []
    have = {part_name(part) for part in subtasks}
    return [name for name in rule["names"].split() if name not in have]


def incomplete_line(key: str, subtasks: Iterable[str], vocabulary: MetricMapping) -> str:
    """What is said of an incomplete set: "mmlu: 3 of its 57 parts (lacking anatomy, ...): not its score"."""
    subtasks = list(subtasks)
    lacking, count = lacking_parts(key, subtasks, vocabulary), len(set(subtasks))
    if count and "" not in subtasks and key in vocabulary.entries and not group_of_parts(key, subtasks, vocabulary):
        of = f"{count} parts" if count > 1 else f"a part ({subtasks[0]})"
        return f"{key}: {of}, and nothing says that there are no others: not its score"
    if not lacking:
        return ""
    return f"{key}: {count} of its {count + len(lacking)} parts (lacking {listing(lacking, 3)}): not its score"


def part_weights(runs: Sequence[Run], vocabulary: MetricMapping) -> list[float]:
    """The weight of each part in its benchmark's score, as its harness joins them; they add up to 1.

    lm-eval weights by the number of items where its group says so, inspect always (it asks all parts as one task); all
    others count each part once.
    """
    sizes = [float(run.n or 0) for run in runs]
    if counted_once(runs, vocabulary) or min(sizes) == 0:
        return [1 / len(runs)] * len(runs)
    return [size / math.fsum(sizes) for size in sizes]


def counted_once(runs: Sequence[Run], vocabulary: MetricMapping) -> bool:
    """Whether a benchmark's score counts each of these parts once, whatever the number of its items."""
    rule = group_of_parts(runs[0].key, [run.subtask for run in runs], vocabulary)
    library = library_field(runs[0].harness[0])
    return library != "inspect" and (rule is None or rule["weights"] != "size" or library != "lm_eval")


def whole_runs(runs: Sequence[Run], vocabulary: MetricMapping) -> tuple[list[Run], list[Run], list[str]]:
    """(runs of whole benchmarks made of their parts, these parts, what is to be said of incomplete sets).

    Runs are of one state of one model. Parts that were measured in more than one way stay parts.
    """
    sets: dict[tuple[str, ...], list[Run]] = defaultdict(list)
    for run in runs:
        if run.known and run.subtask:
            sets[run.key, run.subtask.rpartition("/")[0], run.metric, run.shots, run.harness[0]].append(run)
    wholes: list[Run] = []
    used: list[Run] = []
    notes = []
    there = {run.key for run in runs if not run.subtask}
    for (key, *_), parts in sets.items():
        names = [run.subtask for run in parts]
        line = incomplete_line(key, names, vocabulary)
        notes += [line] if line else []
        rule = group_of_parts(key, names, vocabulary)
        if line or rule is None or key in there or len(set(names)) < len(names) or len({run.unit for run in parts}) > 1:
            continue
        wholes.append(whole_of(parts, rule, vocabulary))
        used += parts
    return wholes, used, notes


def whole_of(parts: Sequence[Run], rule: Mapping[str, Any], vocabulary: MetricMapping) -> Run:
    """The run of a benchmark that all its parts make: weighted mean, its standard error, counts added up."""
    weights = part_weights(parts, vocabulary)
    first = min(parts, key=lambda run: run.subtask)
    score = math.fsum(weight * run.score for weight, run in zip(weights, parts, strict=True))
    errors = [run.standard_error for run in parts]
    error = None if None in errors else math.hypot(*(w * e for w, e in zip(weights, errors, strict=True)))
    sizes = [run.n for run in parts]
    reasons = {reason: None for run in parts for reason in (f"{run.subtask}: {r}" for r in run.validity.reasons)}
    remarks = {remark: None for run in parts for remark in (f"{run.subtask}: {r}" for r in run.validity.remarks)}
    settings = {k: v for k, v in first.settings.items() if all(run.settings.get(k) == v for run in parts)}
    how = "weighted by their items" if len(set(weights)) > 1 else "each counted once"
    limited = sorted({run.partial for run in parts if run.partial})
    return replace(
        first,
        subtask="",
        name=rule["group"],
        result_id=f"{rule['group']}{f'|{first.shots}' if first.shots else ''}/{first.metric}",
        score=score,
        standard_error=error,
        n=None if None in sizes else sum(sizes),
        size=None,
        limit=limited[0] if limited else "",
        counts={name: sum(run.counts.get(name, 0) for run in parts) for run in parts for name in run.counts},
        settings=settings,
        written=(score / first.scale, first.written[1]),
        validity=Validity(tuple(reasons), (f"made of {len(parts)} parts, {how}", *remarks)),
        repeats=(),
    )


# --- parts/ranking/card_rows.py ---------------------------------------------------------------------------------------

# Spellings of metrics and filters, as one word each; they are looked for in folded words with one space between them.
ROW_WORDS = re.compile(r"[^\W_]+|\+\+|[@^]")
ROW_SPELLINGS = [
    (re.compile(rf"\b(?:{spelling})(?![\w@])"), word)
    for spelling, word in (
        (r"([a-z]+\d*) ?(?:[@^]|at) ?(\d+|k)", r"\1@\2"),
        (r"(top|maj|cons|avg) ?(\d+)", r"\1@\2"),
        (r"rouge ?(l|1|2) ?(sum)?", r"rouge\1\2"),
        (r"chr ?f ?(?:\+\+|plus plus)", "chrf++"),
        (r"(?:sacre ?)bleu", "bleu"),
        (r"exact match|em", "exactmatch"),
        (r"acc ?norm", "accuracy norm"),
        (r"acc", "accuracy"),
        (r"(?:length )?normali[sz](?:ed|ation)", "norm"),
        (r"f ?1 ?score|f 1|fscore", "f1"),
        (r"(?:inst|instructions?) ?level|instructions?", "inst"),
        (r"prompt ?level", "prompt"),
        (r"win ?rate", "winrate"),
        (r"length controlled", "lc"),
        (r"flexible ?extract", "flexible"),
        (r"strict ?match", "strict"),
        (r"word error rate", "wer"),
        (r"char(?:acter)? error rate", "cer"),
        (r"ppl", "perplexity"),
        (r"bits per byte", "bpb"),
        (r"matthews corr(?:elation|coef)(?: coefficient)?", "mcc"),
        (r"mc ([12])", r"mc\1"),
        (r"mean opinion score", "mos"),
    )
]
ROW_AT = re.compile(r"@(?:\d+|k)$")
CARD_METRICS = (MEASURES - {"em", "acc", "match"}) | {"exactmatch", "chrf++"}
# What tells one way of a metric from another.
QUALIFIERS = word_list("metric_qualifiers")
CHANGING = QUALIFIERS - {"strict", "loose", "flexible"}
AVERAGE_WORDS = frozenset(["average", "avg", "mean"])
NO_METRIC = word_list("no_metrics")
LABEL_FILLERS = word_list("row_label_fillers")
METRIC_FILLERS = frozenset(filter(str.isalpha, MEASURE_FILLERS | LABEL_FILLERS | word_list("row_metric_fillers")))

ROW_COUNTS = {"zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "eight": 8, "ten": 10}
ROW_SHOTS = re.compile(
    rf"(?i)(?<![a-z\d.])(\d{{1,3}}|few|many|{'|'.join(ROW_COUNTS)})[\s_-]*shots?(?![a-z])"
    r"|(?<![a-z\d])(?:#|num(?:ber of)?|n|k)?[\s_-]*(?:few[\s_-]*)?shots?\s*[=:]?\s*(\d{1,3})(?![\w.])"
)
ROW_MODE = re.compile(
    r"(?i)(?<![a-z])(?:(?:w/o?|with(?:out)?|no|non)[\s-]*)?(?:cot|chain[- ]of[- ]thoughts?|thinking|reasoning|tools?|"
    r"greedy|sampling|chat template|val(?:idation)?|dev|test)(?![a-z])"
)
ROW_PARTS = re.compile(
    r"(?i)(?<!\d)(\d{1,4})\s*(?:(?:/|of|out of)\s*(?:its|the|\d+)?\s*)?"
    r"(?:parts|subjects|subsets|(?:sub)?tasks)(?![a-z])"
)
SHOT_HEADS = word_list("shot_heads")
SHOT_FILLERS = word_list("shot_fillers")
METRIC_HEADS = word_list("metric_heads")
SETTING_HEADS = word_list("row_setting_heads")
SETTING_FILLERS = word_list("row_setting_fillers")
ROW_COT = re.compile(r"(?i)cot|chain")
ROW_NUMBER = re.compile(r"[-+−~≈±<>]*\s*\d[\d.,]*\s*%?(?:\s*(?:±|\+/-).*)?")
ROW_NOTHING = re.compile(r"[\s\-–—―?…./]*|(?i:n/?a|tb[ad]|todo)")
ROW_BRACKETS = re.compile(r"[(\[（]([^()\[\]（）]{1,80})[)\]）]")
ROW_NAME = re.compile(r"[^\W_]+\+*")
SOME = "*"  # the part of an offer that is of some parts of a benchmark, not all
LONGEST_LABEL = 300  # characters of a cell that may name a benchmark


@functools.lru_cache(maxsize=8192)
def metric_words(text: str) -> tuple[str, ...]:
    """The words of a metric's name, spellings folded: "exact_match,flexible-extract" -> exactmatch, flexible."""
    text = " ".join(ROW_WORDS.findall(text[:LONGEST_LABEL].casefold()))
    for spelling, word in ROW_SPELLINGS:
        text = spelling.sub(word, text)
    return tuple(text.split())


def told_words(words: Iterable[str]) -> frozenset[str]:
    """The words of a metric's name that say something."""
    return frozenset(words) - NO_METRIC


@dataclass(frozen=True, slots=True)
class CardOffer:
    """A score of the chosen checkpoint that a card may name: of a benchmark, a category, or a part, by one metric.

    rows: the runs of each of its parts, where `score` is still to be made of them.
    """

    key: str
    part: str
    name: str  # as the records call it
    metric: str
    words: frozenset[str]
    shots: int | None
    default: bool  # the metric that is meant where none is named
    score: Estimate | None = None
    rows: tuple[tuple[Result, ...], ...] = ()
    count: int = 0  # of its parts, where these are some

    @property
    def title(self) -> str:
        """What it is of."""
        return f"{self.key} ({self.count} of its parts)" if self.part == SOME else self.name

    @property
    def placeholder(self) -> str:
        """How a card names it, whatever its row says."""
        metric = f"/{self.metric}" if self.metric and self.part != SOME else ""
        return f"{{RESULT:{self.title.replace(':', '_')}{metric}}}"

    def says(self, text: str) -> bool:
        """Whether a setting that a card tells is one of all its runs."""
        return bool(self.rows) and all(
            any(normalize_name(text) == normalize_name(value) or plain_number(text) == plain_number(value) is not None
                for value in row.run.settings.values())
            for rows in self.rows for row in rows
        )  # fmt: skip


def is_head(head: str, words: frozenset[str], fillers: frozenset[str] = frozenset()) -> bool:
    """Whether a header is made of some words, and of nothing else but fillers; without fillers, has one of them."""
    found = {word.casefold() for word in ROW_WORDS.findall(head)}
    return bool(found & words) and (not fillers or found <= words | fillers)


def plain_number(text: str) -> float | None:
    """A text's number, where it is one."""
    return float(text) if re.fullmatch(r"\s*-?\d{1,9}(?:\.\d{1,9})?\s*", text) else None


@dataclass(slots=True)
class RowSaid:
    """What some texts say: benchmarks with their parts, words of the metric, shots, and what else has to be so."""

    keys: dict[tuple[str, str], None] = field(default_factory=dict)
    near: set[str] = field(default_factory=set)  # benchmarks in a text that names something else
    words: set[str] = field(default_factory=set)
    shots: set[str] = field(default_factory=set)
    count: set[int] = field(default_factory=set)  # of how many parts
    open: list[str] = field(default_factory=list)


class CardOffers:
    """All scores of the chosen checkpoint, and every name that leads to one."""

    def __init__(self, ranking: Ranking, vocabulary: MetricMapping) -> None:
        self.best, self.vocabulary = ranking.best, vocabulary
        self.remarks: list[str] = []
        self.answers: dict[Any, Any] = {}
        self.offers = [*self.of_ranking(ranking), *self.of_results(ranking)]
        self.names: dict[str, tuple[str, str]] = {}
        spellings: dict[str, list[str]] = defaultdict(list)
        for name, key in vocabulary.names.items():
            self.names[name] = (key, "")
            spellings[key].append(name)
        for offer in self.offers:
            self.names.setdefault(normalize_name(offer.key), (offer.key, ""))
            if offer.part not in ("", SOME):
                part = part_name(offer.part)
                told = [f"{name}{part}" for name in spellings[offer.key] or [offer.key]]
                for name in (*told, offer.name, f"{offer.key}{offer.part}"):
                    self.names.setdefault(normalize_name(name), (offer.key, offer.part))

    def of_ranking(self, ranking: Ranking) -> Iterator[CardOffer]:
        """The scores that were ranked, and those of the categories."""
        best = ranking.best
        for key, score in {**best.unranked, **best.categories, **best.scores}.items():
            rows = [row for row in ranking.counted if row.key == key]
            parts = len({row.subtask for row in rows})
            tails = {tail_of(row) for row in rows}
            metric = tails.pop() if len(tails) == 1 else score.metric or ""
            usual = str(self.vocabulary.entries.get(key, {}).get("metric") or "")
            words = told_words(word for row in rows[:1] for word in words_of_result(row))
            words |= told_words((*metric_words(score.metric or ""), *metric_words(score.unit)))
            yield CardOffer(
                key, SOME if key in best.incomplete else "", key, metric, words or told_words(metric_words(usual)),
                score.shots, True, score, tuple((row,) for row in rows), parts,
            )  # fmt: skip

    def of_results(self, ranking: Ranking) -> Iterator[CardOffer]:
        """Every other result in the records: of other metrics, of parts, of benchmarks that do not rank."""
        ways: dict[tuple[str, str, str], dict[str, list[Result]]] = defaultdict(lambda: defaultdict(list))
        for row in ranking.measured:
            ways[row.key, tail_of(row), row.run.shots][row.subtask].append(row)
        counted = {(row.key, tail_of(row), row.run.shots) for row in ranking.counted}
        keys = {key for key, _, _ in counted}
        for (key, tail, shots), parts in ways.items():
            usual = str(self.vocabulary.entries.get(key, {}).get("metric") or "")
            first = next(iter(parts.values()))[0]
            alone = len([way for way in ways if way[0] == key]) == 1
            main = (key, tail, shots) in counted if key in keys else alone or same_metric(first.metric, usual)
            base = CardOffer(key, "", key, tail, told_words(words_of_result(first)), first.run.estimate.shots, main)
            for part, rows in parts.items():
                if part:
                    yield replace(base, part=part, name=bare_task(rows[0].run.name), rows=(tuple(rows),))
            if (key, tail, shots) not in counted:
                whole = {"": parts[""]} if "" in parts else parts
                some = incomplete_line(key, whole, self.vocabulary)
                rows = tuple(tuple(own) for own in whole.values())
                yield replace(base, part=SOME if some else "", rows=rows, count=len(whole))

    def once(self, ask: Callable[..., Any], *question: Any) -> Any:
        """The answer to a question, which a card may ask a thousand times."""
        if (ask, question) not in self.answers:
            self.answers[ask, question] = ask(*question, self)
        return self.answers[ask, question]

    def find(self, name: str) -> tuple[str, str] | None:
        """The benchmark, and the part of it, that a whole text names."""
        folded = normalize_name(name)
        return self.names.get(folded) if folded else None

    def own_words(self, key: str) -> set[str]:
        """All words of the metrics that a benchmark was measured by."""
        return {word for offer in self.offers if offer.key == key for word in offer.words}

    def named(self, key: str = "") -> list[str]:
        """The names that a card can use, all or those of a benchmark and its parts."""
        return list(dict.fromkeys(offer.title for offer in self.offers if not key or offer.key == key))

    # --- what texts say ---------------------------------------------------------------------------------------------

    def read_label(self, text: str, said: RowSaid, head: str = "") -> bool:
        """Read a text that may name a benchmark, with what else it says: "HumanEval (0-shot, pass@10)"; if it does."""
        text = text[:LONGEST_LABEL]
        if found := self.find(text):
            said.keys[found] = None
            return True
        words = list(ROW_NAME.finditer(text))[:24]
        for size in range(min(8, len(words) - 1), 0, -1):
            for at in range(len(words) - size + 1):
                begin, end = words[at].start(), words[at + size - 1].end()
                name = text[begin:end]
                if not (found := self.find(name)):
                    continue
                own = RowSaid()
                rest = f"{text[:begin]} | {text[end:]}"
                if is_head(head, SHOT_HEADS) and (bare := re.fullmatch(r"[\s|()\[\],]*(\d{1,3})[\s|()\[\],]*", rest)):
                    own.shots.add(bare[1])
                    rest = ""
                if not self.read_rest(rest, own, found[0], LABEL_FILLERS):
                    if name.isupper() or any(map(str.isdigit, name)) or any(map(str.isupper, name[1:])):
                        said.near.add(found[0])
                    return False
                said.keys[found] = None
                take_over(said, own)
                return True
        return False

    def read_rest(self, text: str, said: RowSaid, key: str, fillers: frozenset[str] | set[str]) -> bool:
        """Read what stands beside a name; whether every word of it is understood."""
        said.shots |= row_shots(text)
        text = ROW_SHOTS.sub(" ", text)
        said.count |= {int(match[1]) for match in ROW_PARTS.finditer(text)}
        text = ROW_PARTS.sub(" ", text)
        said.open += [match[0].strip() for match in ROW_MODE.finditer(text)]
        own, known = self.own_words(key), True
        for word in metric_words(ROW_MODE.sub(" ", text)):
            if is_metric_word(word, own) or word in AVERAGE_WORDS:
                said.words.add(word)
            else:
                known &= word in fillers
        return known

    def read_row(self, cells: Sequence[tuple[str, str]], column: str) -> tuple[RowSaid, set[str]]:
        """What a row's (header, text) cells and the header of the cell to fill say; the benchmarks of headers."""
        said, header, later = RowSaid(), RowSaid(), []
        heads = [column]
        for head, text in cells:
            said.shots |= row_shots(text)
            if ROW_NOTHING.fullmatch(text):
                continue
            if is_head(head, SHOT_HEADS, SHOT_FILLERS) and not self.find(text):
                number = re.match(rf"(?i)\s*(\d{{1,3}}|{'|'.join(ROW_COUNTS)})(?![\w.])", text)
                said.shots |= {number[1].lower()} if number else set()
                said.open += [] if number or row_shots(text) else [text]
                later.append((head, text[number.end() :] if number else text))
            elif ROW_NUMBER.fullmatch(text) and not is_head(head, SETTING_HEADS, SETTING_FILLERS):
                continue
            elif self.read_label(text, said, head):
                heads.append(head)
            else:
                later.append((head, text))
        keys = [key for key, _ in said.keys]
        for head, text in later:
            self.read_beside(head, text, said, keys)
        for head in heads:
            self.read_header(head, header)
        said.words = said.words or header.words
        said.shots = said.shots or header.shots
        return said, {*header.near, *(key for key, _ in header.keys)}

    def read_beside(self, head: str, text: str, said: RowSaid, keys: Sequence[str]) -> None:
        """Read a cell that names no benchmark: a part of the row's, a metric, a setting; others say nothing here."""
        for offer in self.offers:
            if offer.key in keys and normalize_name(text) == normalize_name(part_name(offer.part)) != "":
                said.keys.pop((offer.key, ""), None)
                said.keys[offer.key, offer.part] = None
                return
        own = RowSaid()
        known = self.read_rest(text, own, keys[0] if keys else "", METRIC_FILLERS)
        if (
            is_head(head, METRIC_HEADS)
            or is_head(head, SETTING_HEADS, SETTING_FILLERS)
            or is_head(head, SHOT_HEADS, SHOT_FILLERS)
        ):
            silent = text.strip() and not metric_words(text) and not (own.shots or own.open)  # a check mark
            take_over(said, own if known and not silent else replace(own, open=[text.strip()]))
        elif known:
            take_over(said, replace(own, open=[one for one in own.open if ROW_COT.search(one)]))

    def read_header(self, head: str, said: RowSaid) -> None:
        """Read what a header says of all cells below it: "EM", "Ours (flexible, 8-shot)", "MMLU"."""
        own = RowSaid()
        if self.read_label(head, own) or (self.read_rest(head, own, "", METRIC_FILLERS) and own.words):
            take_over(said, replace(own, open=[]))
            return
        said.near |= own.near
        said.shots |= row_shots(head)
        for bracket in ROW_BRACKETS.findall(head):
            inside = RowSaid()
            self.read_rest(bracket, inside, "", METRIC_FILLERS)
            take_over(said, replace(inside, open=[]))

    # --- which score is meant ---------------------------------------------------------------------------------------

    def choose(self, key: str, part: str, said: RowSaid, where: str) -> CardOffer:
        """The score of a benchmark or a part of it that fits all that is said; ScriptError where none or several do."""
        there = [offer for offer in self.offers if offer.key == key]
        pool = [offer for offer in there if offer.part == part]
        some = [offer for offer in there if offer.part == SOME]
        if said.count and not part:
            pool = [offer for offer in some if said.count == {offer.count}] or pool
        if not pool and some:
            line = self.best.incomplete.get(key) or f"{key}: some of its parts alone were measured: not its score"
            raise ScriptError(f"{line}; of it there are: {listing(self.named(key), 8)}", code=1)
        if not pool:
            raise ScriptError(
                f"no score for {key}, which {where} asks for; there are: {listing(self.named(), 12)}", code=1
            )
        found = by_metric(by_shots(pool, said.shots, where), frozenset(said.words))
        if len(found) > 1:
            found = [offer for offer in found if offer.default] or found
        if len(found) != 1:
            words = " ".join(sorted(said.words)) or "no metric"
            several = "fits several" if found else "is none that was measured"
            ways = listing([f"{o.metric or o.key}{'' if o.shots is None else f' ({o.shots}-shot)'}" for o in pool], 8)
            names = listing(dict.fromkeys(offer.placeholder for offer in found or pool), 8)
            raise ScriptError(f"{where} says {words}, which {several} of {key}: {ways}; write {names}", code=3)
        return found[0]

    def named_offer(self, name: str, said: RowSaid, where: str) -> tuple[CardOffer, bool] | None:
        """The score that a placeholder names, and whether with its metric: "gsm8k/exact_match,flexible-extract"."""
        task, slash, metric = name.rpartition("/")
        if slash and (found := self.find(task)):
            pool = [offer for offer in self.offers if (offer.key, offer.part) == found]
            fits = [o for o in pool if same_metric(o.metric, metric) or o.words == told_words(metric_words(metric))]
            if fits:
                told = replace(said, words=set())
                offer = by_shots(fits, told.shots, where) if fits else []
                if len(offer) > 1:
                    raise ScriptError(f"{{RESULT:{name}}}: measured with several numbers of shots; say which", code=3)
                fit = [o.words for o in by_metric(pool, frozenset(said.words))]
                if not said.words <= offer[0].words and offer[0].words not in fit:
                    raise ScriptError(f"{where} says {' '.join(sorted(said.words))}, and {{RESULT:{name}}} not", code=3)
                return offer[0], True
        own = RowSaid()
        if not self.read_label(name, own):
            return None
        take_over(own, replace(said, keys={}))
        key, part = next(iter(own.keys))
        if not any(offer.key == key for offer in self.offers):
            return None
        return self.choose(key, part, own, where), False

    def refuse_open(self, offer: CardOffer, said: RowSaid, where: str) -> None:
        """ScriptError(code=3) for what a row says that the records do not."""
        for text in said.open:
            if not offer.says(text):
                raise ScriptError(
                    f"{where} says “{text}”, and no record of {offer.name} does; if it was measured so, write "
                    f"{offer.placeholder}",
                    code=3,
                )

    def score(self, offer: CardOffer) -> Estimate:
        """An offer's score; ScriptError where it may not be used."""
        if offer.score is not None:
            return offer.score
        runs = [choose_run(rows, offer.name) for rows in offer.rows]
        for run in runs:
            if run.run.validity.reasons:
                raise ScriptError(f"{offer.title}: not valid: {'; '.join(run.run.validity.reasons)}", code=1)
            said = [f"of {run.run.partial} alone" if run.run.partial else "", *run.run.validity.remarks]
            self.remarks += [f"{run.task}: {remark}" for remark in said if remark]
        return mean_score([run.score for run in runs], part_weights([run.run for run in runs], self.vocabulary))


def tail_of(row: Result) -> str:
    """A result's metric with its filter, as a placeholder can hold it: "exact_match,flexible-extract"."""
    tail = row.result_id.rpartition("/")[2].removesuffix(",none")
    return row.metric if not tail or re.search(r"[{}:|\r\n]", tail) else tail


def words_of_result(row: Result) -> tuple[str, ...]:
    """The words of a result's metric and filter."""
    return (*metric_words(tail_of(row)), *metric_words(row.metric))


def is_metric_word(word: str, own: set[str]) -> bool:
    """Whether a word is of a metric: any that is known, or one by which this benchmark was measured."""
    return word in CARD_METRICS or word in QUALIFIERS or word in own or bool(ROW_AT.search(word))


def row_shots(text: str) -> set[str]:
    """The numbers of shots that a text says: "5-shot", "n_shot = 0", "zero-shot"."""
    return {(match[1] or match[2]).lower() for match in ROW_SHOTS.finditer(text)}


def take_over(said: RowSaid, own: RowSaid) -> None:
    """Add what was read to what is said."""
    said.keys |= own.keys
    said.near |= own.near
    said.words |= own.words
    said.shots |= own.shots
    said.count |= own.count
    said.open += own.open


def by_shots(offers: Sequence[CardOffer], shots: set[str], where: str) -> list[CardOffer]:
    """The offers that were measured with the shots that are said; ScriptError where none was, or nobody knows."""
    if not shots:
        return list(offers)
    text = f"{where} says {' and '.join(f'{shot}-shot' for shot in sorted(shots))}"
    if len(shots) == 1:
        shot = next(iter(shots))
        count = ROW_COUNTS.get(shot, count_in(shot))
        fits = [o for o in offers if o.shots is not None and (o.shots == count if count is not None else o.shots > 0)]
        if fits:
            return fits
    known = sorted({offer.shots for offer in offers if offer.shots is not None})
    if known:
        raise ScriptError(f"{text}, but it was measured with {' or '.join(map(str, known))} shots", code=1)
    names = listing(dict.fromkeys(offer.placeholder for offer in offers), 4)
    raise ScriptError(f"{text}, and no record is certain how many it was; if that is right, write {names}", code=3)


def by_metric(offers: Sequence[CardOffer], words: frozenset[str]) -> list[CardOffer]:
    """The offers that fit the words of a metric; what tells none of them apart means the default.

    "acc" is not the normalized accuracy, "F1" not the macro F1; "average" is one metric's where there is only one.
    """
    words = told_words(words)
    if words & AVERAGE_WORDS and len({offer.words for offer in offers}) == 1:
        words -= AVERAGE_WORDS
    if not words:
        return list(offers)
    if exact := [offer for offer in offers if offer.words == words]:
        return exact
    fits = [offer for offer in offers if words <= offer.words and not changes(offer.words - words)]
    if not fits and words == {"accuracy"}:
        fits = [offer for offer in offers if offer.default and is_right_answers(offer.words)]
    if len(fits) > 1 and len(fits) < len(offers):
        return [replace(offer, default=False) for offer in fits]
    return fits


def changes(words: frozenset[str]) -> bool:
    """Whether a word more makes another metric of one."""
    return bool(words & CHANGING) or any(word.startswith("top@") for word in words)


def is_right_answers(words: frozenset[str]) -> bool:
    """Whether a metric is a share of right answers, which people call accuracy."""
    other = words & (CARD_METRICS - QUALIFIERS - {"accuracy", "exactmatch", "resolved", "success"})
    return not other and not changes(words) and not any(ROW_AT.search(w) and w != "pass@1" for w in words)


def row_offer(cells: Sequence[tuple[str, str]], column: str, offers: CardOffers) -> tuple[CardOffer, Estimate]:
    """The score that a row with a bare {RESULT} asks for; ScriptError saying why there is none."""
    shown = " | ".join(text for _, text in cells if text.strip())
    where = f"the row “{shown}”"
    said, header = offers.read_row(cells, column)
    kinds = {key: offers.vocabulary.entries.get(key, {}).get("kind", "benchmark") for key, _ in said.keys}
    exact = [named for named in said.keys if kinds[named[0]] == "benchmark"] or list(said.keys)
    if len(exact) != 1:
        several = f"several benchmarks ({', '.join(f'{key} {part}'.strip() for key, part in exact)})"
        none = f"no benchmark that was measured or is known; measured are: {listing(offers.named(), 12)}"
        raise ScriptError(f"{where} names {several if exact else none}", code=1)
    key, part = exact[0]
    if header and key not in header and offers.vocabulary.category(key) not in header:
        raise ScriptError(f"{where} names {key}, and its column {', '.join(sorted(header))}", code=1)
    offer = offers.choose(key, part, said, f"{where}")
    offers.refuse_open(offer, said, where)
    return offer, offers.score(offer)


def named_offer(
    name: str, cells: Sequence[tuple[str, str]], column: str, offers: CardOffers
) -> tuple[CardOffer, Estimate] | None:
    """The score of {RESULT:name}; in a table's row, what the row says must be so. None where nothing is called so."""
    shown = " | ".join(text for _, text in cells if text.strip())
    where = f"the row “{shown}”" if cells else f"{{RESULT:{name}}}"
    said, header = offers.read_row(cells, column) if cells else (RowSaid(), set())
    labels = dict(said.keys)
    near = {*said.near, *header}
    found = offers.named_offer(name, replace(said, near=set(), keys={}), where)
    if found is None:
        return None
    offer, exactly = found
    named = {key for key, _ in labels} | near
    category = offers.vocabulary.category(offer.key)
    score = offers.score(offer)
    same = category in named and (whole := offers.best.score(category or "")) and whole.value == score.value
    parts = {part for key, part in labels if key == offer.key}
    other_part = parts and offer.part not in parts and said.count != {offer.count}
    if (named and offer.key not in named and not same) or other_part:
        raise ScriptError(
            f"{where} is of {', '.join(sorted(named))}, and {{RESULT:{name}}} is {offer.title}; name the same in both",
            code=3,
        )
    if not exactly:
        offers.refuse_open(offer, said, where)
    return offer, score


def refuse_overall(placeholder: str, cells: Sequence[tuple[str, str]], column: str, offers: CardOffers) -> None:
    """ScriptError(code=3) where a row that names a benchmark is to get what is of all of them."""
    said, header = offers.read_row(cells, column)
    named = {*(key for key, _ in said.keys), *header}
    scores = [offers.best.score(key) for key in named]
    if not all(score and score.value == offers.best.eval_accuracy for score in scores):
        raise ScriptError(f"the row is of {', '.join(sorted(named))}, and {placeholder} is of all benchmarks", code=3)


# --- parts/ranking/card.py --------------------------------------------------------------------------------------------

# {RESULT}, {RESULT:gsm8k}, {RESULT:gsm8k:interval}, {BEST:tied}
PLACEHOLDER = re.compile(r"\{(?P<what>RESULT|BEST)(?::(?P<name>[^{}\r\n|:]{1,80})(?::(?P<part>[a-z_]{1,20}))?)?\}")

PERCENT = re.compile(r"%|\bper ?cent(?:age)?\b|\bpct\b", re.IGNORECASE)
EMPTY_CELL = re.compile(r"\s*|(?i:tb[acd]|to ?do|\?+|x{2,3}|\.{3}|…|pending)")
HTML_CELL = re.compile(r"<t[dh]\b[^<>]{0,200}>\s*([^<>]{1,80}?)\s*</t[dh]>")
LINE_LABEL = re.compile(r"^[\s>*+-]*([^:=|<>{}]{1,80})[:=]\s*[*_`]*$")
DECIMAL = re.compile(r"[-+−]?(\d{1,3})\.(\d{1,6})\s*(%?)")
MOST_BESIDE = 100  # numbers of a column that tell its unit and decimals
# Rows whose numbers are no shares, and so tell nothing of the unit of shares beside them.
NO_SHARE = re.compile(
    r"perplexity|\bppl\b|\bloss\b|bits per|\bbleu\b|\bchrf|\bter\b|\belo\b|\bmos\b|mt[- ]?bench"
    r"|latency|seconds|tokens|param|\bsize\b",
    re.IGNORECASE,
)
OF_HUNDRED = re.compile(r"bleu|chrf|(?:^|_)ter(?:$|_)|rouge|mushra|f1|wer|cer", re.IGNORECASE)  # points of 100
OF_ALL = ("eval_accuracy", "interval", "corrected")  # what is of the mean over all benchmarks
CARD_UNITS = ("percent", "proportion")


@dataclass(frozen=True, slots=True)
class CardCell:
    """A table cell with a placeholder: its line (from 0), its column's header, and as text the row's other cells, their
    headers, the decimal numbers of the column, and what follows the placeholder in its own cell."""

    line: int
    column: str
    others: tuple[str, ...]
    beside: tuple[str, ...] = ()
    after: str = ""
    bare: bool = True
    empty: bool = False
    heads: tuple[str, ...] = ()

    @property
    def row(self) -> tuple[tuple[str, str], ...]:
        """(header, text) of the row's other cells."""
        return tuple(zip(self.heads, self.others, strict=True))


def placeholder_cells(text: str) -> tuple[list[CardCell], set[int]]:
    """The placeholders in a card's pipe tables, in order, one CardCell each, and the empty cells; and the lines of its
    code blocks."""
    from markdown_it import MarkdownIt

    inline, references = MarkdownIt("commonmark"), {}
    tokens = MarkdownIt("commonmark").enable("table").disable("inline").parse(text.removeprefix("\ufeff"), references)
    cells: list[CardCell] = []
    code: set[int] = set()
    table: list[tuple[int, list[str]]] = []

    def words(source: str) -> str:
        children = inline.parseInline(source, references)[0].children or []
        return "".join(c.content for c in children if c.type in ("text", "code_inline")).strip()

    for i, token in enumerate(tokens):
        if token.type in ("fence", "code_block") and token.map:
            code.update(range(*token.map))
        elif token.type == "table_open":
            table = []
        elif token.type == "tr_open":
            table.append((token.map[0] if token.map else -1, []))
        elif token.type in ("th_open", "td_open"):
            table[-1][1].append(tokens[i + 1].content)
        elif token.type == "table_close":
            cells += table_cells(table, [[words(source) for source in row] for _, row in table])
    return cells, code


def table_cells(table: Sequence[tuple[int, list[str]]], shown: Sequence[list[str]]) -> Iterator[CardCell]:
    """The cells with placeholders of one table, and its empty ones; `shown`: the same cells as a reader sees them."""
    header = column_names(shown[0])
    columns = [
        tuple(
            cells[j]
            for cells in shown[1:]
            if j < len(cells) and DECIMAL.fullmatch(cells[j]) and not any(map(NO_SHARE.search, cells))
        )[:MOST_BESIDE]
        for j in range(len(header))
    ]
    for (line, row), texts in zip(table, shown, strict=True):
        bare = [PLACEHOLDER.sub("", text) for text in texts]  # another cell's placeholder says nothing of this one
        for j, source in enumerate(row):
            others = () if line == table[0][0] else tuple(text for k, text in enumerate(bare) if k != j)
            heads = tuple(head for k, head in enumerate(shown[0]) if k != j)[: len(others)]
            for match in PLACEHOLDER.finditer(source):
                after = source[match.end() : match.end() + 12]
                yield CardCell(line, header[j], others, columns[j], after, match["name"] is None, heads=heads)
            if EMPTY_CELL.fullmatch(texts[j]) and line != table[0][0]:
                yield CardCell(line, header[j], others, empty=True, heads=heads)


def column_names(header: Sequence[str]) -> list[str]:
    """The names of a table's columns; those without a name, or with that of another column, are numbered."""
    count = Counter(header)
    numbered = [f"{name} (column {i})" if name else f"column {i}" for i, name in enumerate(header, start=1)]
    return [name if name and count[name] == 1 else other for name, other in zip(header, numbered, strict=True)]


def choose_columns(cells: Sequence[CardCell], wanted: Sequence[str]) -> set[str]:
    """The headers of the columns to fill; ScriptError(code=3) when there are several and none is named."""
    columns = list(dict.fromkeys(cell.column for cell in cells))
    named = ", ".join(repr(column) for column in columns)
    chosen = set()
    for name in wanted:
        found = [c for c in columns if c == name] or [c for c in columns if normalize_name(c) == normalize_name(name)]
        if len(found) != 1:
            raise ScriptError(f"--card-column {name!r}: the card's columns with {{RESULT}} are {named or 'none'}")
        chosen.add(found[0])
    if len(columns) > 1 and not chosen:
        raise ScriptError(
            f"{{RESULT}} stands in several columns: {named}; choose with --card-column NAME (a table with the "
            "benchmarks as columns takes {RESULT:benchmark})",
            code=3,
        )
    return chosen or set(columns)


def card_unit(cell: CardCell | None, after: str, wanted: str | None) -> str | None:
    """ "percent" or "proportion", as what stands around a placeholder says it; None where nothing does.

    By the column's header, the row's label or what follows the placeholder, and by the decimal numbers of its column
    and row. ScriptError(code=3) when these contradict each other and --card-unit does not say.
    """
    if wanted:
        return wanted
    said = percent_said(cell, after)
    cells = (*cell.beside, *cell.others) if cell else ()
    numbers = [match for text in cells if (match := DECIMAL.fullmatch(text.strip()))]
    percents = [match[0] for match in numbers if match[3] or float(f"{match[1]}.{match[2]}") > 1.5]
    shares = [match[0] for match in numbers if not match[3] and 0 < float(f"{match[1]}.{match[2]}") < 1]
    if (said or percents) and shares and not (said and percents):
        raise ScriptError(
            f"in percent ({'as is said there' if said else percents[0]}) or a proportion ({shares[0]})? "
            "--card-unit percent or --card-unit proportion",
            code=3,
        )
    return "percent" if said or percents else "proportion" if shares else None


def percent_said(cell: CardCell | None, after: str) -> bool:
    """Whether the column's header, the row's label or what follows a placeholder says percent."""
    words = [after, *((cell.column, *cell.others) if cell else ())]
    return any(PERCENT.search(text) and not DECIMAL.fullmatch(text.strip()) for text in words)


def placed_unit(
    cell: CardCell | None, after: str, wanted: str | None, key: str | None, score: Estimate, vocabulary: MetricMapping
) -> str | None:
    """card_unit; ScriptError(code=1) where the card says percent of a score that is none: a perplexity, a MOS."""
    own = (vocabulary.entries.get(key or "", {}).get("range") or (None, None))[1] == 100
    shares = score.unit in ("proportion", "percent") or own or OF_HUNDRED.search(score.metric or "")
    if percent_said(cell, after) and not shares:
        raise ScriptError(f"the card says percent here, and {key} is in {score.unit}: take the % away", code=1)
    return card_unit(cell, after, wanted)


def decimals_of(cell: CardCell | None, score: Estimate, unit: str | None) -> int:
    """How many decimals a score gets: as its column has them, else two digits of its standard error, else three."""
    places = [len(match[2]) for text in (cell.beside if cell else ()) if (match := DECIMAL.fullmatch(text.strip()))]
    if places:
        return max(set(places), key=places.count)
    if unit != "percent":
        return 3
    error = (100 if score.unit == "proportion" else 1) * (score.standard_error or 0.0)
    return min(2, max(0, 1 - math.floor(math.log10(error)))) if error > 0 else 1


def shown_score(value: float, score: Estimate, unit: str | None, digits: int) -> str:
    """A score in a card's unit; only proportions have another."""
    factor = 100 if unit == "percent" and score.unit == "proportion" else 1
    return rounded_text(value * factor, digits)


def rounded_text(value: float, digits: int) -> str:
    """A number with so many decimals, halves rounded up as people round what they see (0.4175 -> 0.418)."""
    step = Decimal(1).scaleb(-digits)
    return str(Decimal(repr(round(value, 12))).quantize(step, ROUND_HALF_UP))


def score_part(score: Estimate, part: str, unit: str | None, digits: int) -> str:
    """What {RESULT:x:interval} and the like ask of a score."""
    if part == "interval" and score.interval:
        return " to ".join(shown_score(end, score, unit, digits) for end in (score.interval.low, score.interval.high))
    if part == "error" and score.standard_error is not None:
        return shown_score(score.standard_error, score, unit, digits + 1)
    if part == "n" and score.n is not None:
        return str(score.n)
    known = "interval, error, n"
    raise ScriptError(
        f"its {part} is not known" if part in known else f"there is no {part}; there are: {known}", code=1
    )


def compared_text(ranking: Ranking) -> str:
    """How many checkpoints were compared, and how many were not: '7 (3 more not comparable)'."""
    unlike = 0 if ranking.allow_unlike else len(ranking.unlike)
    lacking = sum(s.reason.startswith(("no measured score", "not (fully) measured")) for s in ranking.skipped)
    known = sum(s.reason == EXCLUDED for s in ranking.skipped)
    kinds = ((unlike, "not comparable"), (lacking, "not fully measured"), (known, "left out knowingly"))
    rest = [f"{n} more {what}" for n, what in kinds if n]
    return f"{len(ranking.ranked)}" + (f" ({', '.join(rest)})" if rest else "")


def winner_value(name: str, ranking: Ranking, what: str = "BEST") -> str:
    """What {BEST:name} stands for; ScriptError(code=1) when it is not known."""
    best, sure = ranking.best, ranking.statistics
    standing = sure.standings.get(best.checkpoint.name) if sure else None
    tied = [one.checkpoint.name for one in ranking.tied if one is not best]
    known = {
        "checkpoint": best.checkpoint.name,
        "step": best.checkpoint.step,
        "of": compared_text(ranking),
        "tied": ", ".join(tied) or "none",
        "eval_accuracy": rounded_text(best.eval_accuracy, 3),
        "interval": " to ".join(rounded_text(end, 3) for end in (best.interval.low, best.interval.high))
        if best.interval
        else None,
        "corrected": rounded_text(sure.corrected.value, 3) if sure else None,
        "p_best": f"{standing.p_best:.2f}" if standing and standing.p_best is not None else None,
        "harness": ", ".join(ranking.harnesses) or None,
    }
    if known.get(name) is None:
        there = [other for other, value in known.items() if value is not None]
        raise ScriptError(f"{{{what}:{name}}} has no value{nearest(name, there)}", code=1)
    return plain(str(known[name]))  # of folders' names and of records


def labels_before(text: str) -> tuple[tuple[str, str], ...]:
    """What names a placeholder outside a pipe table, as a row's cells: "- GSM8K (8-shot): ", "<td>GSM8K</td><td>"."""
    cells = HTML_CELL.findall(text) if "<t" in text else LINE_LABEL.findall(text) if len(text) < 200 else ()
    return tuple(("", cell.strip(" *_`")) for cell in cells)


def keyed_value(
    match: re.Match[str], cell: CardCell | None, after: str, ranking: Ranking, offers: CardOffers, wanted: str | None
) -> str:
    """The text for {RESULT:name} or {RESULT:name:part}; ScriptError(code=1) when there is none."""
    best, name, part = ranking.best, match["name"], match["part"]
    key = None
    if name.strip() == "eval_accuracy":
        whole = best.whole or Estimate(best.eval_accuracy, best.standard_error)
        score: Estimate | None = replace(whole, interval=best.interval)
    elif part is None and name.strip() in ("checkpoint", "step"):
        return winner_value(name.strip(), ranking, "RESULT")
    else:
        row = cell.row if cell else labels_before(match.string[max(0, match.start() - 1000) : match.start()])
        found = offers.once(named_offer, name, row, cell.column if cell else "")
        key, score = (found[0].key, found[1]) if found else (None, None)
    if score is None:
        known = ["eval_accuracy", "checkpoint", "step", *best.scores, *best.categories]
        raise ScriptError(f"{{RESULT:{name}}} has no value{nearest(name, known)}", code=1)
    unit = placed_unit(cell, after, wanted, key, score, offers.vocabulary)
    digits = decimals_of(cell, score, unit)
    return score_part(score, part, unit, digits) if part else shown_score(score.value, score, unit, digits)


class CardFiller:
    """Puts values into a card's placeholders; keeps what is wrong with them, and what is to be said of them."""

    def __init__(
        self, text: str, ranking: Ranking, vocabulary: MetricMapping, columns: Sequence[str], unit: str | None
    ) -> None:
        cells, self.code = placeholder_cells(text)
        self.ranking, self.unit, self.offers = ranking, unit, CardOffers(ranking, vocabulary)
        self.empty, cells = [cell for cell in cells if cell.empty], [cell for cell in cells if not cell.empty]
        self.chosen = choose_columns([cell for cell in cells if cell.bare], columns)
        self.columns_named = self.chosen | {cell.column for cell in cells if not cell.bare}
        self.waiting: dict[int, list[CardCell]] = defaultdict(list)
        for cell in reversed(cells):
            self.waiting[cell.line].append(cell)
        self.problems: list[ScriptError] = []
        self.remarks: list[str] = []
        self.filled = 0

    def value(self, match: re.Match[str], line: int) -> str:
        """What a placeholder stands for; ScriptError where that is not known."""
        cell = self.waiting[line].pop() if self.waiting[line] else None
        after = match.string[match.end() : match.end() + 12]
        if cell and (match["name"] or "").strip() in OF_ALL:
            refuse_overall(match[0], cell.row, cell.column, self.offers)
        if match["what"] == "BEST":
            return winner_value((match["name"] or "").strip(), self.ranking)
        if match["name"] is not None:
            return keyed_value(match, cell, after, self.ranking, self.offers, self.unit)
        if cell is None:
            if line in self.code:
                self.remarks.append(f"line {line + 1}: {{RESULT}} in a code block stays as it is")
                return match[0]
            raise ScriptError("{RESULT} stands outside a pipe table's row; write {RESULT:benchmark} there", code=1)
        if cell.column not in self.chosen:
            self.remarks.append(f"line {line + 1}: {{RESULT}} in column {cell.column!r} stays as it is")
            return match[0]
        offer, score = self.offers.once(row_offer, cell.row, cell.column)
        written = placed_unit(cell, cell.after, self.unit, offer.key, score, self.offers.vocabulary)
        return shown_score(score.value, score, written, decimals_of(cell, score, written))

    def replaced(self, match: re.Match[str], line: int) -> str:
        """The text in a placeholder's place; itself where it cannot be filled."""
        try:
            new = self.value(match, line) if len(self.problems) < 5 else match[0]
        except ScriptError as error:
            self.problems.append(ScriptError(f"line {line + 1}: {error}", error.code))
            return match[0]
        self.filled += new != match[0]
        return new

    def check(self) -> None:
        """ScriptError where a placeholder could not be filled, or there was none."""
        if self.problems:
            code = 3 if all(error.code == 3 for error in self.problems) else 1
            raise ScriptError(f"the card was not filled: {'; '.join(map(str, self.problems))}", code=code)
        if not self.filled:
            named = unfilled_lines(self.empty, {cell.column for cell in self.empty}, self.offers)
            which = f": {listing(named)}" if named else ""
            raise ScriptError(
                f"the card has no {{RESULT}} placeholder to fill; put {{RESULT}} into its cells{which}", code=1
            )


def fill_card(
    text: str,
    ranking: Ranking,
    vocabulary: MetricMapping,
    columns: Sequence[str] = (),
    unit: str | None = None,
    mark: str = "",
) -> tuple[str, list[str]]:
    """The card with its placeholders replaced, and remarks; every other character stays. `mark` is put below scores.

    Raises ScriptError: code 1 when a placeholder cannot be filled or there is none, 3 when the column or the unit is a
    choice.
    """
    filler = CardFiller(text, ranking, vocabulary, columns, unit)
    parts = re.split(r"(\r\n|\r|\n)", text)
    changed = []
    for i in range(0, len(parts), 2):
        before = parts[i]
        parts[i] = PLACEHOLDER.sub(lambda match, line=i // 2: filler.replaced(match, line), before)
        changed += [i] if parts[i] != before else []
    filler.check()
    if mark:
        mark_below(parts, changed, mark)
    left = unfilled_lines(filler.empty, filler.columns_named, filler.offers)
    remarks = [*filler.remarks, *(f"{line}: only {{RESULT}} is filled" for line in left)]
    return "".join(parts), [*remarks, *dict.fromkeys(filler.offers.remarks)]


def unfilled_lines(cells: Sequence[CardCell], columns: set[str], offers: CardOffers) -> list[str]:
    """The cells of some columns that are empty, or TBD, in rows of what was measured: "line 7, 'Ours' stays empty"."""
    found = []
    for cell in cells[:1000]:
        with contextlib.suppress(ScriptError):
            if cell.column in columns and len(found) < 10:
                row_offer(cell.row, cell.column, offers)
                found.append(f"line {cell.line + 1}, {cell.column!r} stays empty")
    return found


def mark_below(parts: list[str], changed: Sequence[int], mark: str) -> None:
    """Put a line of its own below each table or paragraph of a card in which a line was changed."""
    newline = next((part for part in parts[1::2]), "\n")
    ends = set()
    for i in changed:
        while i + 2 < len(parts) and parts[i + 2].strip():
            i += 2
        ends.add(i)
    for i in ends:
        parts[i] += f"{newline}{newline}{mark}"


def read_card(path: Path) -> str:
    """A card's text with its line ends as they are."""
    try:
        text = input_bytes(path, MAX_CARD_FILE).decode("utf-8")
    except UnicodeDecodeError as error:
        raise ScriptError(f"--card {path}: not UTF-8 (byte {error.start}); save it as UTF-8") from error
    check_card_size(text, f"--card {path}")
    return text


# --- parts/plots.py ---------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def own_style() -> Iterator[None]:
    """Draw and save figures within: the same data give the same bytes on each machine.

    matplotlib takes a matplotlibrc of the current folder before any other: a stranger's could start LaTeX on its
    preamble, or draw other bars. It is imported where there is none, and its own defaults are set. A name with dollar
    signs is drawn as it is, and no formula.
    """
    with tempfile.TemporaryDirectory() as empty, contextlib.chdir(empty):
        import matplotlib
    matplotlib.rcdefaults()
    with matplotlib.rc_context({"svg.hashsalt": "hub-evals", "text.parse_math": False}):
        yield


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


# --- parts/ranking/figures.py -----------------------------------------------------------------------------------------


def write_figures(ranking: Ranking, vocabulary: MetricMapping, folder: Path) -> list[str]:
    """score_by_step, benchmarks_by_step and score_distribution as PNG and SVG, all or none; the names written."""
    shown = [r for r in ranking.ranked if r.checkpoint.step is not None] or list(ranking.ranked)
    by_step = shown[0].checkpoint.step is not None
    x = [r.checkpoint.step if by_step else r.checkpoint.epoch for r in shown]
    label = "training step" if by_step else "epoch"
    title = "step-formula: synthetic, nothing was measured" if ranking.synthetic else "measured"
    names = []
    with own_style(), contextlib.ExitStack() as files:
        drawn = {
            "score_by_step": draw_scores(ranking, shown, x, label, title),
            "benchmarks_by_step": draw_heat_map(shown, x, label, title, vocabulary),
        }
        if any(
            sum(score.averages for score in r.scores.values()) > 1 for r in shown
        ):  # of one benchmark there is no spread
            drawn["score_distribution"] = draw_distribution(shown, x, label, title)
        for name, figure in drawn.items():
            for suffix, metadata in ((".png", {"Software": None}), (".svg", {"Date": None})):
                names.append(f"{name}{suffix}")
                refuse_no_picture(folder / names[-1])
                file = files.enter_context(whole_file(folder / names[-1]))
                figure.savefig(file, format=suffix[1:], dpi=150, metadata=metadata, bbox_inches="tight")
    return names


def draw_scores(ranking: Ranking, shown: Sequence[Ranked], x: Sequence[int], label: str, title: str) -> Any:
    """eval_accuracy against step with 95 % intervals, the best one and those tied with it marked."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5))
    axes = figure.subplots()
    y = [r.eval_accuracy for r in shown]
    bars = error_bars(shown)
    runs = run_folders(r.checkpoint for r in shown)
    axes.errorbar(x, y, yerr=bars, fmt="o" if len(runs) > 1 else "o-", capsize=3, color="#3b6ea8")
    for run, members in runs.items() if len(runs) > 1 else ():
        own = [i for i, r in enumerate(shown) if r.checkpoint in members]
        axes.plot([x[i] for i in own], [y[i] for i in own], label=run.name, zorder=1)
    if ranking.smooth > 1:
        smoothed = [math.nan if r.smoothed is None else r.smoothed for r in shown]
        axes.plot(x, smoothed, "--", color="#e08e45", label=f"mean over the last {ranking.smooth}")
    if ranking.best in shown and not ranking.undecided:
        at, name = shown.index(ranking.best), ranking.best.checkpoint.name
        axes.plot(x[at], y[at], "*", zorder=4, markersize=16, color="#d1495b", label=f"best: {name}")
    tied = [i for i, r in enumerate(shown) if r in ranking.tied]
    if tied:
        why = "cannot be told from it" if ranking.statistics else "same score"
        places, heights = [x[i] for i in tied], [y[i] for i in tied]
        axes.plot(places, heights, "o", zorder=3, markersize=9, color="#e9a8ae", label=why)
    axes.legend()
    what = ", bars: 95 % intervals" if bars else ""
    axes.set(xlabel=label, ylabel=f"{ranking.metric}, {ranking.overall}", title=f"Score by {label} ({title}{what})")
    axes.grid(alpha=0.3)
    return figure


def error_bars(shown: Sequence[Ranked]) -> list[list[float]] | None:
    """How far the 95 % intervals reach below and above the scores; None where there are none."""
    if not all(r.interval for r in shown):
        return None
    low = [max(0.0, r.eval_accuracy - r.interval.low) for r in shown]
    return [low, [max(0.0, r.interval.high - r.eval_accuracy) for r in shown]]


def draw_distribution(shown: Sequence[Ranked], x: Sequence[int], label: str, title: str) -> Any:
    """The spread of the benchmarks' scores of each checkpoint: box, median, every score as a point."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(min(24, max(6, 0.5 * len(x) + 2)), 4.5))
    axes = figure.subplots()
    scores = [[s.value for s in r.scores.values() if s.averages] or [math.nan] for r in shown]
    places = list(range(len(x)))
    axes.boxplot(scores, positions=places, widths=0.6, showfliers=False, medianprops={"color": "#d1495b"})
    for place, values in zip(places, scores, strict=True):
        axes.plot([place] * len(values), values, ".", color="#3b6ea8", alpha=0.5)
    every = max(1, len(x) // 25)
    axes.set_xticks(places[::every], [str(step) for step in x[::every]], rotation=45)
    axes.set(xlabel=label, ylabel="score of a benchmark", title=f"Scores of the benchmarks by {label} ({title})")
    axes.grid(alpha=0.3, axis="y")
    return figure


def draw_heat_map(shown: Sequence[Ranked], x: Sequence[int], label: str, title: str, vocabulary: MetricMapping) -> Any:
    """Benchmark × step, for all that are proportions (or, without any, for all); a missing score stays white."""
    from matplotlib.figure import Figure

    scores = {key: score for r in shown for key, score in r.scores.items()}
    keys = [key for key, score in scores.items() if score.unit == "proportion"] or list(scores)
    keys.sort(key=lambda key: (category_order(vocabulary.category(key) or key), vocabulary.category(key) != key, key))
    top = 1 if scores[keys[0]].unit == "proportion" else None
    figure = Figure(figsize=(min(24, max(6, 0.62 * len(x) + 3)), min(40, max(2.5, 0.4 * len(keys) + 1.2))))
    axes = figure.subplots()
    values = [[score.value if (score := r.score(key)) else math.nan for r in shown] for key in keys]
    image = axes.imshow(values, aspect="auto", cmap="viridis", vmin=0 if top else None, vmax=top)
    names = [
        vocabulary.measured_title(k, scores[k].metric) + (" (lower is better)" if scores[k].lower_is_better else "")
        for k in keys
    ]
    axes.set_yticks(range(len(keys)), names)
    every = max(1, len(x) // 25)
    axes.set_xticks(range(0, len(x), every), [str(step) for step in x[::every]], rotation=45)
    if len(x) <= 15:
        for i, row in enumerate(values):
            for j, value in enumerate(row):
                if not math.isnan(value):
                    shade = "black" if value > (0.6 if top else image.norm.vmax / 2) else "white"
                    axes.text(j, i, f"{value:.2f}", ha="center", va="center", fontsize=7, color=shade)
    axes.set(xlabel=label, title=f"Score by benchmark ({title})")
    figure.colorbar(image, ax=axes)
    return figure


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


# --- parts/statistics/nights.py ---------------------------------------------------------------------------------------

FEWEST_NIGHTS = 3  # to cumulate: two tell nothing of how much nights differ
FEWEST_TO_DRIFT = 6  # with fewer no order of the nights is rare enough to be shown
USUAL_EFFECT = 0.05  # of the range: the size that the mixture expects
EXACT_NIGHTS = 7  # up to here all orders of the nights are tried
ORDERS = 9_999
ORDER_SEED = 20_260_312


@dataclass(frozen=True, slots=True)
class Night:
    """One night's paired items: their differences (more is better), and what each shares with others (its own name)."""

    differences: np.ndarray
    shared: Sequence[Any]

    @property
    def gain(self) -> float:
        """The mean difference."""
        return float(self.differences.mean())


@dataclass(frozen=True, slots=True)
class Sequential:
    """What some nights show together: e-values against "the limit is missed" and against "it is kept", on average."""

    evidence: Evidence
    mean: float
    e_pass: float
    e_fail: float
    items: int


@dataclass(frozen=True, slots=True)
class Drift:
    """A trend that is shown: `slope` a night, from the night with this index on (0: from the first one)."""

    slope: float
    since: int
    p_value: float


def sequential_evidence(nights: Sequence[Night], limit: float, span: float | None) -> Sequential | None:
    """The nights as one sequence, held against a limit of the mean gain; None with too few.

    The variance is clustered by item (the same item asked each night counts once); to it comes what the nights' means
    spread beyond the noise of single answers, with t of its few degrees of freedom. Of its z the e-value is made.
    """
    import numpy as np

    if len(nights) < FEWEST_NIGHTS:
        return None
    names: dict[Any, int] = {}
    items = np.array([names.setdefault(name, len(names)) for night in nights for name in night.shared])
    together = np.concatenate([night.differences for night in nights])
    evidence = paired_difference(together, [items], span, night_variance(nights, items, together))
    error = interval_from_bounds(*(float(end) for end in evidence.interval(0.05)))
    scale = USUAL_EFFECT * (span or 1.0)
    passing = mixture_evidence(tail_to_z(evidence.p_above(limit)), error, scale)
    failing = mixture_evidence(tail_to_z(evidence.p_below(limit)), error, scale)
    return Sequential(evidence, float(together.mean()), passing, failing, len(names))


def night_variance(nights: Sequence[Night], items: Any, together: Any) -> tuple[float, float]:
    """(variance that differing nights add to the mean of all, its degrees of freedom); 0 where noise explains them.

    An item's answers scatter around its mean over the nights; one that was asked once, around its night's mean.
    """
    import numpy as np

    sizes = np.array([len(night.differences) for night in nights])
    numbers = np.repeat(np.arange(len(nights)), sizes)
    gains = np.bincount(numbers, together) / sizes
    times = np.bincount(items)
    own = np.bincount(items, together) / np.maximum(times, 1)
    again = times[items] > 1
    center = np.where(again, own[items], gains[numbers])
    freed = np.where(again, times[items] / np.maximum(times[items] - 1.0, 1.0), sizes[numbers] / (sizes[numbers] - 1.0))
    noise = float((np.bincount(numbers, freed * (together - center) ** 2) / sizes**2).mean())
    excess = float(gains.var(ddof=1)) - noise
    return (excess / len(nights), len(nights) - 1.0) if excess > 0 else (0.0, math.inf)


def tail_to_z(p: float) -> float:
    """The normal value with this upper tail."""
    from scipy import special

    return float(-special.ndtri(min(max(p, 1e-300), 1 - 1e-16)))


def mixture_evidence(z: float, error: float, scale: float) -> float:
    """The e-value of an estimate that lies z of its standard errors above the limit, for effects of about `scale`.

    The likelihood ratio of a half-normal mixture over the effect against none; with t = (scale / error)^2:
    2 (1 + t)^(-1/2) exp(z^2 t / (2 (1 + t))) Phi(z (t / (1 + t))^(1/2))
    """
    from scipy import special

    if not error > 0:
        return 1.0
    t = (scale / error) ** 2
    share = t / (1 + t)
    return float(2 / math.sqrt(1 + t) * math.exp(min(600.0, z * z * share / 2)) * special.ndtr(z * math.sqrt(share)))


def drift_of(gains: Sequence[float], alpha: float = 0.05) -> Drift | None:
    """The drift of a sequence of means, if one is shown: level until some night, then a line.

    The largest reduction of the squares that such a broken line brings, against what it brings for the nights in any
    other order: exact where nights can be exchanged when nothing drifts, whatever they share and however they scatter.
    """
    import numpy as np

    values = np.array(gains, float)
    n = len(values)
    if n < FEWEST_TO_DRIFT or np.ptp(values) < 1e-12:
        return None
    bends = np.maximum(0.0, np.arange(n)[None, :] - np.arange(n - 2)[:, None])
    bends -= bends.mean(axis=1, keepdims=True)
    lengths = (bends**2).sum(axis=1)

    def reductions(rows: np.ndarray) -> np.ndarray:
        return (rows @ bends.T) ** 2 / lengths

    if n <= EXACT_NIGHTS:
        orders = values[np.array(list(itertools.permutations(range(n))))]
    else:
        rng = np.random.default_rng(ORDER_SEED)
        orders = np.concatenate([values[None, :], rng.permuted(np.tile(values, (ORDERS, 1)), axis=1)])
    seen = reductions(values[None, :])[0]
    best = int(seen.argmax())
    p_value = float((reductions(orders).max(axis=1) >= seen[best] * (1 - 1e-9)).mean())
    if p_value > alpha:
        return None
    return Drift(float(values @ bends[best] / lengths[best]), best, p_value)


# --- parts/records/nights.py ------------------------------------------------------------------------------------------

TaskKey = tuple[str, str, str]  # benchmark with its part, metric, shots


@dataclass(frozen=True, slots=True)
class NightScore:
    """One night's score of one task; `changed`: what is not as it was the night before."""

    date: str
    run: Run
    interval: tuple[float, float] | None
    changed: tuple[str, ...] = ()


def nights_by_task(runs: Sequence[Run]) -> dict[TaskKey, list[NightScore]]:
    """The nights of each task; runs that were made as repeats (one run id, or one moment) are one, their mean."""
    made: dict[tuple[TaskKey, object], list[Run]] = defaultdict(list)
    for run in sorted((run for run in runs if run.measured), key=moment_of_run):
        made[(run.task, run.metric, run.shots), run.run_id or moment_of_run(run)].append(run)
    nights: dict[TaskKey, list[NightScore]] = defaultdict(list)
    for (key, _), own in made.items():
        run = merged_repeats(own)[0][-1]
        changed = night_changes(nights[key][-1].run, run) if nights[key] else ()
        date = moment_of_run(own[-1]).strftime("%Y-%m-%d %H:%M")
        nights[key].append(NightScore(date, run, night_interval(run), changed))
    return dict(nights)


def night_interval(run: Run) -> tuple[float, float] | None:
    """The 95 % interval of a score; None where neither its error nor its number of items is known.

    Of a proportion Wilson's, on the number of items that its standard error stands for; of any other by that error.
    """
    error, spread = run.standard_error, run.score * (1 - run.score)
    if run.unit == "proportion" and run.n and spread >= 0:
        n = spread / error**2 + 1 if error and spread else run.n
        return wilson_interval(run.score * n, n)
    if not error:
        return None
    low, high = run.score - TWO_SIDED_Z * error, run.score + TWO_SIDED_Z * error
    return (low, high) if run.low is None or run.high is None else (max(run.low, low), min(run.high, high))


def night_changes(before: Run, run: Run) -> tuple[str, ...]:
    """What is not as it was: weights (where both are known), prompts, items, harness, other settings."""
    found = []
    if before.identity.fixed and run.identity.fixed and before.identity.fixed != run.identity.fixed:
        found.append("weights")
    elif "" not in (before.identity.files, run.identity.files) and before.identity.files != run.identity.files:
        found.append("files beside the weights")
    if before.repeats and run.repeats:
        common = set(before.repeats[0]) & set(run.repeats[0])
        pairs = [(before.repeats[0][name], run.repeats[0][name]) for name in common]
        if any(one.prompt_hash and other.prompt_hash and one.prompt_hash != other.prompt_hash for one, other in pairs):
            found.append("prompts")
        elif len(common) < max(len(before.repeats[0]), len(run.repeats[0])):
            found.append("items")
    if before.harness != run.harness:
        found.append(f"harness {' '.join(before.harness)} → {' '.join(run.harness)}")
    names = [name for name in setting_differences(before, run) if not name.startswith("harness")]
    return (*found, *names[:3])


def drift_of_nights(nights: Sequence[NightScore]) -> tuple[Drift, str] | None:
    """The drift of the valid scores since something other than the weights changed last, and the night before it."""
    begin = max((i for i, night in enumerate(nights) if set(night.changed) - {"weights"}), default=0)
    own = [night for night in nights[begin:] if not night.run.validity.reasons]
    drift = drift_of([night.run.score for night in own])
    return None if drift is None or math.isclose(drift.slope, 0.0) else (drift, own[drift.since].date[:10])


# --- parts/ranking/nights.py ------------------------------------------------------------------------------------------

NIGHTS_SCHEMA = "1"


def read_model_runs(folders: Sequence[Path], name: str, vocabulary: MetricMapping, cluster_by: str | None) -> list[Run]:
    """All runs of one model below some folders, with their items; ScriptError when it is none, or several."""
    names = {name, Path(name).name, "/".join(Path(name).parts[-2:])}
    runs: list[Run] = []
    meant: list[Identity] = []
    seen: list[Identity] = []
    for path in record_files(folders):
        record = read_record(path)
        if record is None or record.get("failure"):
            continue
        try:
            identity = identity_of(record)
        except ValueError as error:
            raise ScriptError(f"{path}: unreadable record: {single_line(error)}; evaluate again") from error
        seen.append(identity)
        if any(identity.answers_to(one) for one in names):
            meant.append(identity)
            readings = read_results(path, record, vocabulary, whole=bool(cluster_by))
            runs += [with_answers(reading.run, reading.lines, cluster_by, reading.facts) for reading in readings]
    if not meant:
        there = model_names(seen)
        hint = nearest(name, there) or f"; there are: {listing(there, 20) or 'no records'}"
        raise ScriptError(f"--history: no record of {name} below {listing(map(str, folders))}{hint}", code=1)
    one_model(meant, f"--history {name}", states=True)
    return runs


def nights_text(nights: dict[TaskKey, list[NightScore]], vocabulary: MetricMapping) -> str:
    """The tables for stdout."""
    parts = []
    for (task, metric, shots), own in sorted(nights.items(), key=lambda pair: (vocabulary.place(pair[0][0]), pair[0])):
        rows = []
        for night in own:
            low_high = "–" if night.interval is None else f"{number(night.interval[0])} to {number(night.interval[1])}"
            reasons = [f"not valid: {reason}" for reason in night.run.validity.reasons]
            partial = [f"over {night.run.partial}"] if night.run.partial else []
            remarks = "; ".join([*(f"changed: {one}" for one in night.changed), *partial, *reasons])
            rows.append([night.date, number(night.run.score), low_high, str(night.run.n or "–"), remarks])
        title = f"{task} ({metric}{f', {shots}-shot' if shots else ''}), {len(own)} nights"
        parts += [title, "", pipe_table(["date", "score", "95 % interval", "items", "remarks"], rows), ""]
        if found := drift_of_nights(own):
            drift, since = found
            parts += [f"drift: {drift.slope:+.4f} a night since {since} (p = {drift.p_value:.2g})", ""]
    return "\n".join(parts).rstrip()


def nights_json(name: str, nights: dict[TaskKey, list[NightScore]]) -> dict[str, Any]:
    """The document of --json."""
    tasks = []
    for (task, metric, shots), own in nights.items():
        found = drift_of_nights(own)
        scores = [
            {
                "date": night.date,
                "score": night.run.score,
                "interval": None if night.interval is None else list(night.interval),
                "n": night.run.n,
                "changed": list(night.changed),
                "weights": night.run.identity.fixed or None,
                "partial": night.run.partial or None,
                "not_valid": list(night.run.validity.reasons),
                "record": night.run.file,
            }
            for night in own
        ]
        drift = None if found is None else {"per_night": found[0].slope, "since": found[1], "p_value": found[0].p_value}
        about = {"task": task, "metric": metric, "shots": shots or None, "unit": own[0].run.unit}
        tasks.append(about | {"lower_is_better": own[0].run.lower_is_better, "nights": scores, "drift": drift})
    return {"schema_version": NIGHTS_SCHEMA, "model": name, "tasks": tasks}


def model_history(args: argparse.Namespace, vocabulary: MetricMapping) -> tuple[dict[str, Any], str]:
    """(JSON, text) of a model's nights."""
    folders = [Path(folder) for folder in args.results or [args.checkpoints]]
    found = nights_by_task(read_model_runs(folders, args.checkpoints, vocabulary, args.cluster_by))
    nights = {key: own[-args.history :] for key, own in found.items()}
    return nights_json(args.checkpoints, nights), nights_text(nights, vocabulary)


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


# --- parts/ranking/prepare.py -----------------------------------------------------------------------------------------

# What a trainer needs to go on and nobody to use the model: optimizer, schedule, random states, sharded states, its own
# arguments (a pickle, which runs code when it is opened), and its progress, which names folders of the machine.
STATE_NAMES = re.compile(
    r"(?:optimizer|scheduler|scaler|sampler)(?:_\d+)?(?:\.(?:pt|pth|bin|safetensors))?|rng_state.*|"
    r"random_states_\d+\.pkl|"
    r"training_args\.(?:bin|json|ya?ml)|train(?:er|ing)_state.*|trainer_log\.jsonl?|llamaboard_config\.ya?ml|"
    r"custom_checkpoint_\d+\.pkl|mp_rank_\d+_.*|zero_pp_rank_.*|.*\.distcp|"
    r"global_step\d+|latest|zero_to_fp32\.py|pytorch_model_fsdp_\d+|dataloader_state.*\.pt|sampler\.bin"
)
# What loggers write, wherever it lies: hosts, users, folders, command lines.
LOG_NAMES = re.compile(
    r"events\.out\.tfevents.*|wandb|mlruns|lightning_logs|tensorboard|tb_logs|.*\.log|nohup\.out|slurm-.*\.out|"
    r"(?:running|train(?:ing)?)_log\.(?:txt|json|jsonl|csv)"
)
# Files that run nothing when they are opened, and the weights' own form; all else goes when it is named.
DATA_NAMES = re.compile(
    r"(?i).*\.(?:safetensors|json|jsonl|txt|model|jinja|tiktoken|tokenizer|spm|codes|bpe|vocab|gguf|onnx|onnx_data|msgpack|md|rst|"
    r"ya?ml|toml|csv|tsv|parquet|arrow|png|jpe?g|gif|webp|pdf|bib|wav|flac|mp3|mp4)|tokenizer\.model\.v\d\w*|"
    r"(?:pytorch_model|adapter_model)(?:-\d+-of-\d+)?\.bin|(?:licen[cs]e|notice|copying|authors|citation)[\w-]*"
)
STATE_ENDINGS = {"", ".pt", ".pth", ".bin", ".pkl", ".distcp", ".log", ".out", ".wandb"}
PLAIN_HIDDEN = {".gitattributes", ".gitignore"}
NEVER_COPIED = {".git", ".cache", "__pycache__", ".ipynb_checkpoints", ".DS_Store"}


def plan_files(
    checkpoint: Checkpoint,
    card: str,
    assets: Sequence[Path],
    root: Path,
    token_file: Path | None,
    token: str | None,
    keep_state: bool = False,
) -> tuple[list[RepoFile], list[str], list[RepoFile]]:
    """The files of the repo to be, the names left out because they may hold secrets, and the training state left out.

    Raises ScriptError for names that collide, links that lead elsewhere, anything that looks like a Hub token, and (3)
    code and whatever else is no data, and hidden files, of the checkpoint that no asset names: who gets it may run it.
    """
    found = [RepoFile(name, path) for name, path in walk(checkpoint.path, root) if name != "README.md"]
    if checkpoint.name == FINAL:  # the run's folder: what lies below it is not the model
        found = [file for file in found if "/" not in file.target]
    state = [] if keep_state else [f for f in found if is_training_state(PurePosixPath(f.target))]
    found = [file for file in found if file not in state]
    own = [asset for asset in assets if inside(asset, checkpoint.path)]  # it has its place already

    def is_secret(file: RepoFile) -> bool:
        named = any(map(SECRET_NAME.fullmatch, PurePosixPath(file.target).parts))
        return named or bool(token_file and os.path.realpath(file.source) == os.path.realpath(token_file))

    unnamed = [file for file in found if not any(inside(file.source, asset) for asset in own)]
    refuse_unnamed([file for file in unnamed if not is_secret(file)], hashed_names(checkpoint.path))
    for asset in assets:
        if asset in own and asset.exists():
            continue
        name = Path(os.path.abspath(asset)).name
        if asset.is_file():
            found.append(RepoFile(name, asset))
        elif asset.is_dir():
            found += [RepoFile(f"{name}/{inner}", path) for inner, path in walk(asset, asset)]
        else:
            raise ScriptError(f"--assets {asset}: no such file or folder{near_place(asset)}")
    secrets = {file.target for file in found if is_secret(file)}
    files = [RepoFile("README.md", text=card), *(f for f in found if f.target not in secrets)]
    twice = [name for name, count in Counter(f.target for f in files).items() if count > 1]
    if twice:
        raise ScriptError(f"several files would become {listing(twice)}; rename the asset")
    refuse_tokens(files, token)
    refuse_other_model(checkpoint.path)
    if asking := [file.source for file in unnamed if asks_for_others(file, checkpoint.path)]:
        raise to_be_named("configurations that name files elsewhere, or the code of another repository,", asking)
    return sorted(files, key=lambda f: f.target), sorted(secrets), state


def refuse_unnamed(files: Sequence[RepoFile], hashed: Collection[str]) -> None:
    """ScriptError (3) where what is no data, or hidden, or another model than the one that was evaluated (`hashed`: its
    files) is among a checkpoint's: its writer's, under one's name."""
    names = []
    for file in files:
        place = PurePosixPath(file.target)
        hidden = any(part.startswith(".") and part not in PLAIN_HIDDEN for part in place.parts)
        kept = is_training_state(place)
        if hidden or not is_data(place) or (not kept and is_other_model(file.target, hashed)):
            names.append(file.source)
    if names:
        raise to_be_named("code, hidden files, weights that were not evaluated or others that are no data", names)


def to_be_named(what: str, files: Sequence[Path]) -> ScriptError:
    """Why some files of a checkpoint are published by name only (3)."""
    return ScriptError(
        f"{what} in the checkpoint: {listing(map(shown_path, files), 20)}. "
        f"To publish one, read it and name it: {command_line_of(['--assets', *files[:20]])}; else move it out",
        code=3,
    )


def asks_for_others(file: RepoFile, folder: Path) -> bool:
    """Whether a checkpoint's file is a configuration with which a loader takes code or files from elsewhere."""
    if not NAMING.fullmatch(file.target):
        return False
    config = read_json(file.source)
    return next(code_places(config), None) is not None or another_named(config, folder) is not None


def is_data(place: PurePosixPath) -> bool:
    """Whether a checkpoint's file is of a kind that runs nothing, its own weights, or a state that is kept by word."""
    events = place.name.startswith("events.out.tfevents")
    kept = is_training_state(place) and (events or place.suffix.lower() in STATE_ENDINGS)
    return place.name in PLAIN_HIDDEN or kept or bool(DATA_NAMES.fullmatch(place.name))


def is_training_state(target: PurePosixPath) -> bool:
    """Whether a checkpoint's file is of its training, not of the model."""
    return bool(STATE_NAMES.fullmatch(target.parts[0])) or any(map(LOG_NAMES.fullmatch, target.parts))


def walk(folder: Path, root: Path) -> Iterator[tuple[str, Path]]:
    """(name with /, path) of all files below a folder; ScriptError for a link out of `root` and for what is no file."""

    def stop(error: OSError) -> None:
        raise error

    for base, directories, names in os.walk(folder, onerror=stop):
        directories[:] = sorted(d for d in directories if d not in NEVER_COPIED)
        names = sorted(name for name in names if name not in NEVER_COPIED)
        for name in (*names, *(d for d in directories if os.path.islink(os.path.join(base, d)))):
            path = Path(base, name)
            if path.is_symlink() and not (inside(path, root) and path.is_file()):
                raise ScriptError(f"{path}: a link that leads elsewhere is not copied; replace it by the file")
            if not path.is_file():
                raise ScriptError(f"{path}: not a regular file; take it away")
            yield path.relative_to(folder).as_posix(), path


def prepare(out: Path, files: Sequence[RepoFile]) -> dict[str, str]:
    """Make OUT the repo to be: every planned file and no other; target -> SHA-256. Written whole or not at all.

    What was prepared is noted beside OUT, so that only a folder that was made here, and not changed since, is replaced.
    """
    manifest = out.with_name(f".{out.name}.prepared.json")
    temporary, noted = (Path(fresh_place(out.parent)) for _ in range(2))
    old = temporary.with_suffix(".old")
    before = check_replaceable(out, manifest)
    try:
        digests = {file.target: file.sha256 for file in files}
        if before == digests:
            return digests
        check_space(out, sum(file.size for file in files))
        temporary.mkdir(0o700, parents=True)
        for file in progress(files, "copying"):
            target = temporary / file.target
            target.parent.mkdir(parents=True, exist_ok=True)
            if file.source is None:
                target.write_bytes(file.read())
            else:
                shutil.copyfile(file.source, target)
        write_whole(noted, json.dumps({"schema_version": RANKING_SCHEMA, "files": digests}, indent=1) + "\n")
        temporary.chmod(usual_mode() | (usual_mode() & 0o444) >> 2)  # a folder that may be read may be entered
        if out.exists():
            out.replace(old)
        temporary.replace(out)
        put_in_place(noted, manifest)
    except OSError as error:
        raise ScriptError(f"{out}: could not be prepared: {error.strerror or error}") from error
    finally:
        if old.exists() and not out.exists():
            old.replace(out)
        for left in (temporary, old):
            shutil.rmtree(left, ignore_errors=True)
        noted.unlink(missing_ok=True)
    return digests


def check_space(out: Path, needed: int) -> None:
    """ScriptError when the disk of a folder to be has not enough room."""
    there = next(folder for folder in out.parents if folder.exists())
    free = shutil.disk_usage(there).free
    if needed > free:
        raise ScriptError(f"{out}: no space: {needed:,} bytes needed, {free:,} free; choose another --prepare folder")


def check_replaceable(out: Path, manifest: Path) -> dict[str, str] | None:
    """What was prepared in OUT before (None: nothing there); ScriptError when OUT holds anything else."""
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise ScriptError(f"{out} is not a folder; choose another --prepare folder")
    if not out.exists() or not any(out.iterdir()):
        return None
    noted = read_json(manifest) if manifest.is_file() else None
    made = noted.get("files") if isinstance(noted, dict) else None
    if not isinstance(made, dict):
        raise ScriptError(f"{out} is not empty and was not prepared here; choose another --prepare folder")
    there = {path.relative_to(out).as_posix(): path for path in out.rglob("*") if not path.is_dir()}
    changed = sorted(set(there) ^ set(made)) or [n for n in sorted(there) if file_sha256(there[n]) != made[n]]
    if changed:
        raise ScriptError(
            f"{out}: {listing(changed)} changed since it was prepared; move {out} away, or choose another"
        )
    return made


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


# --- parts/ranking/push.py --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Upload:
    """What a push would do: the parent commit (None: the repo is to be made), and files by what happens to them."""

    parent: str | None
    new: tuple[str, ...]
    changed: tuple[str, ...]
    same: tuple[str, ...]
    private: bool = True  # the repo that is there


def plan_upload(
    api: Any, repo_id: str, files: Mapping[str, RepoFile], digests: Mapping[str, str], private: bool
) -> Upload:
    """Compare the prepared files with the repo's by their hashes."""
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    try:
        info = api.repo_info(repo_id)
    except GatedRepoError:
        raise
    except RepositoryNotFoundError:
        return Upload(None, tuple(sorted(digests)), (), ())
    refuse_other_name(info, repo_id, "--push")
    if private and not info.private:
        raise ScriptError(f"{repo_id} exists and is public; leave --private out, or choose another name")
    states = compare_remote(api, repo_id, info.sha, files, digests)
    kinds = (tuple(sorted(n for n, s in states.items() if s == state)) for state in ("new", "changed", "same"))
    return Upload(info.sha, *kinds, private=bool(info.private))


def compare_remote(
    api: Any, repo_id: str, revision: str, files: Mapping[str, RepoFile], digests: Mapping[str, str]
) -> dict[str, str]:
    """Name -> new, changed or same, from the repo's own hashes: SHA-256 of large files, git's blob hash of others."""
    from huggingface_hub.utils.sha import git_hash

    remote = {
        f.path: f for f in api.list_repo_tree(repo_id, recursive=True, revision=revision) if hasattr(f, "blob_id")
    }
    states = {}
    for name, file in files.items():
        there = remote.get(name)
        if there is None:
            states[name] = "new"
        elif there.lfs is not None:
            states[name] = "same" if there.lfs.sha256 == digests[name] else "changed"
        else:
            states[name] = "same" if there.blob_id == git_hash(file.read()) else "changed"
    return states


def open_pull_request(api: Any, repo_id: str, author: str, title: str) -> Any | None:
    """The author's open pull request with this title, or None."""
    mine = api.get_repo_discussions(repo_id, author=author, discussion_type="pull_request", discussion_status="open")
    return next((request for request in mine if request.title == title and request.author == author), None)


def push(
    files: Mapping[str, RepoFile], digests: Mapping[str, str], message: str, token: str, args: argparse.Namespace
) -> dict[str, Any]:
    """Send the prepared files in one commit, read the repo back, and say what happened; nothing is sent twice."""
    from huggingface_hub import HfApi
    from huggingface_hub.utils import disable_progress_bars

    if not sys.stderr.isatty():
        disable_progress_bars()
    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT"), token=token)
    with hub_errors(f"push to {args.push}", token):
        identity = known_identity(api.whoami(), f"push to {args.push}")
        check_write_access(identity, args.push, args.create_pr)
        plan = plan_upload(api, args.push, files, digests, args.private)
        kept = "public" if (args.public if plan.parent is None else not plan.private) else "private"
        answer = {"repo_id": args.push, "repo": f"{'existing' if plan.parent else 'new'}, {kept}"}
        answer |= {"new": plan.new, "changed": plan.changed, "unchanged": plan.same}
        if plan.changed:
            note(f"overwritten in {args.push}: {listing(plan.changed, 20)}")
        if plan.parent is not None and not plan.new and not plan.changed:
            note(f"{args.push} has all {len(digests)} files already; nothing was sent")
            return answer | {"commit": None, "url": f"{api.endpoint}/{args.push}"}
        sizes = (f"{single_line(name)} ({shown_size(files[name].size)})" for name in (*plan.new, *plan.changed))
        note(f"to {args.push} ({answer['repo']}): {', '.join(sizes)}")
        if args.create_pr:
            if plan.parent is None:
                raise ScriptError(f"{args.push} does not exist, so it can get no pull request; leave --create-pr out")
            request = open_pull_request(api, args.push, identity["name"], message)
            if request:
                check_pull_request(api, request, args.push, files, digests)
                return answer | {"commit": None, "pull_request": request.url}
        if args.dry_run:
            note(f"dry run: {len(plan.new)} new and {len(plan.changed)} changed files would go there")
            return answer | {"commit": None, "dry_run": True}
        return answer | send(api, plan, files, digests, message, args)


def dry_push(
    files: Mapping[str, RepoFile], digests: Mapping[str, str], message: str, token: str | None, args: argparse.Namespace
) -> dict[str, Any]:
    """What `push` would send; without a token, or an answer of the Hub, the files, and why the rest is `unknown`."""
    try:
        return push(files, digests, message, token or find_token(None), args)
    except ScriptError as error:
        if token and error.__cause__ is None:  # it was refused, and not by the Hub
            raise
        note(
            f"dry run: {plural(len(files), 'file')} would be sent to {args.push}: {listing(files, 200)}; which of them "
            f"it has already, and whether you may write there, is not known: {error}"
        )
        return {"repo_id": args.push, "files": list(files), "commit": None, "dry_run": True, "unknown": str(error)}


def made_repo(api: Any, repo_id: str, private: bool) -> str:
    """Make a repo, and give its first commit; ScriptError (3) where somebody else has made one since the look."""
    api.create_repo(repo_id, private=private, exist_ok=True)  # an answer may have been lost
    info = api.repo_info(repo_id)
    if {file.rfilename for file in info.siblings or ()} - {".gitattributes"} or bool(info.private) != private:
        raise ScriptError(
            f"{repo_id} was made by somebody else meanwhile, {'private' if info.private else 'public'}: nothing was "
            "sent; look at it, and push again",
            code=3,
        )
    return info.sha


def send(
    api: Any,
    plan: Upload,
    files: Mapping[str, RepoFile],
    digests: Mapping[str, str],
    message: str,
    args: argparse.Namespace,
) -> dict[str, Any]:
    """Make the commit or the pull request, and compare what the Hub has then."""
    parent = plan.parent or made_repo(api, args.push, not args.public)
    if plan.parent and plan.private:
        refuse_public(api, args.push, "model", "--push")
    names = (*plan.new, *plan.changed)

    def commit() -> tuple[str, str, str | None]:
        operations, unchanged = additions_of({name: files[name].source for name in names}, digests)
        made = commit_whole(
            api,
            args.push,
            operations,
            unchanged,
            commit_message=message,
            parent_commit=parent,
            create_pr=args.create_pr or None,
        )
        return made.oid, made.commit_url, made.pr_url

    def arrived() -> tuple[str, str, str | None] | None:
        """The commit whose answer was lost: the files stand on main, or in a pull request of this title."""
        request = open_pull_request(api, args.push, api.whoami()["name"], message) if args.create_pr else None
        if args.create_pr and request is None:
            return None
        head = api.repo_info(args.push, revision=request.git_reference if request else None).sha
        if set(compare_remote(api, args.push, head, files, digests).values()) != {"same"}:
            return None
        return head, f"{api.endpoint}/{args.push}/commit/{head}", request.url if request else None

    oid, commit_url, pull_request = commit_once(commit, arrived)
    states = compare_remote(api, args.push, oid, files, digests)
    wrong = [name for name, state in states.items() if state != "same"]
    if wrong:
        raise ScriptError(f"{args.push}: {listing(wrong)} differ on the Hub after the push")
    note(f"pushed {len(names)} files to {pull_request or commit_url}; all {len(digests)} hashes agree")
    return {"commit": oid, "url": commit_url, "pull_request": pull_request}


def check_pull_request(
    api: Any, request: Any, repo_id: str, files: Mapping[str, RepoFile], digests: Mapping[str, str]
) -> None:
    """ScriptError(code=3) when an open pull request has other files than the prepared ones."""
    states = compare_remote(api, repo_id, request.git_reference, files, digests)
    if set(states.values()) != {"same"}:
        raise ScriptError(
            f"an open pull request is there with other files: {request.url}; merge or close it first", code=3
        )
    note(f"{request.url} has all {len(digests)} files already; nothing was sent")


# --- parts/own_function.py --------------------------------------------------------------------------------------------


def read_own_function(option: str, path: str) -> tuple[Callable[..., Any], dict[str, Any], str]:
    """(the one public function of a Python file, all of its names, its text); every error names the option.

    The file is the user's own, named on the command line.
    """
    namespace: dict[str, Any] = {"__name__": option.strip("-").replace("-", "_"), "__file__": path}

    def guarded(call: Callable[..., Any], *given: Any) -> Any:
        try:
            with contextlib.redirect_stdout(sys.stderr):
                return call(*given)
        except ScriptError as error:
            raise ScriptError(f"{option} {error}") from error
        except (Exception, SystemExit) as error:
            raise ScriptError(f"{option} {path}: {type(error).__name__}: {single_line(error)}") from error

    text = guarded(input_text, path)
    guarded(lambda: exec(compile(text, path, "exec"), namespace))
    functions = [
        value
        for name, value in namespace.items()
        if not name.startswith("_") and callable(value) and getattr(value, "__module__", None) == namespace["__name__"]
    ]
    if len(functions) != 1:
        raise ScriptError(f"{option} {path}: one public function is expected, there are {len(functions)}")
    return functools.partial(guarded, functions[0]), namespace, text


# --- parts/statistics/resampling.py -----------------------------------------------------------------------------------

TIE = 1e-6  # scores closer than this, or than this share of them, are equal: single precision is sure of no more
MANY_CHECKPOINTS, FEWER_DRAWS = 300, 2_000  # see enough()
ROWS_AT_ONCE = 32  # checkpoints whose differences to another one are bounded together
CHUNK = 100_000  # resampling weights counted at once: they stay in the processor's cache


def cluster_sums(items: ItemScores) -> tuple[Any, Any]:
    """Sum of the scores, and number of scored items, of each cluster: two (checkpoints, clusters) float32 arrays.

    The clusters come in an order that the scores alone decide, so that draws do not depend on names or files.
    """
    import numpy as np

    known = ~np.isnan(items.scores)
    values = np.where(known, items.scores, 0.0)
    _, group = np.unique(items.clusters, return_inverse=True)
    if len(group) and group.max() + 1 < len(group):
        order = np.argsort(group, kind="stable")
        starts = np.flatnonzero(np.diff(group[order], prepend=-1))
        values = np.add.reduceat(values[:, order], starts, axis=1)
        known = np.add.reduceat(known[:, order].astype(float), starts, axis=1)
    order = np.lexsort((*known, *values))
    return values[:, order].astype(np.float32), known[:, order].astype(np.float32)


def resampling_weights(generator: Any, draws: int, clusters: int) -> Iterator[Any]:
    """How often each cluster is drawn in a bootstrap draw (multinomial): (some draws, clusters) float32 at a time."""
    import numpy as np

    kind = np.uint16 if clusters <= 2**16 else np.uint32
    piece = max(1, CHUNK // clusters)
    offsets = np.arange(piece)[:, None] * clusters
    for begin in range(0, draws, 10 * piece):
        weights = np.empty((min(10 * piece, draws - begin), clusters), np.float32)
        for first in range(0, len(weights), piece):
            part = weights[first : first + piece]
            drawn = generator.integers(0, clusters, part.shape, dtype=kind) + offsets[: len(part)]
            part[:] = np.bincount(drawn.ravel(), minlength=part.size).reshape(part.shape)
        yield weights


def ratios(top: Any, bottom: Any, otherwise: Any) -> Any:
    """top / bottom, and `otherwise` where no scored item was drawn; bottom may be one row for all checkpoints.

    `top` may be what is given back.
    """
    import numpy as np

    if (bottom > 0).all():
        return np.divide(top, bottom, out=top if top.dtype == np.result_type(top, bottom) else None)
    return np.where(bottom > 0, top / np.maximum(bottom, 1), otherwise)


def bootstrap_means(items: ItemScores, draws: int, seed: Sequence[int]) -> Any:
    """Bootstrap draws of the mean of each checkpoint, (checkpoints, draws) float32: clusters of items are drawn, the
    same ones for all checkpoints.

    The draws are stretched about the mean by sqrt(G / (G - 1)), so that their variance is that of the unbiased
    estimate (Hesterberg 2015, "narrowness bias"). Weights times scores is one matrix product.
    """
    import numpy as np

    if items.raters is not None:
        return two_way_means(items, draws, seed)
    sums, counts = cluster_sums(items)
    clusters = sums.shape[1]
    shared = (counts == counts[0]).all()
    counts = counts[:1] if shared else counts
    means = sums.sum(1, keepdims=True, dtype=float) / np.maximum(counts.sum(1, keepdims=True, dtype=float), 1)
    means = means.astype(np.float32)
    drawn = np.empty((len(sums), draws), np.float32)
    begin = 0
    for weights in resampling_weights(np.random.default_rng(seed), draws, clusters):
        end = begin + len(weights)
        drawn[:, begin:end] = ratios(sums @ weights.T, counts @ weights.T, means)
        begin = end
    drawn -= means
    drawn *= np.float32(math.sqrt(clusters / (clusters - 1)))
    drawn += means
    return drawn


def two_way_means(items: ItemScores, draws: int, seed: Sequence[int]) -> Any:
    """The same where items were judged by raters who judged several: both are drawn (pigeonhole bootstrap, Owen 2007).

    Few raters tell little of how far raters differ: the draws are stretched as a Student t interval is wider than a
    normal one.
    """
    import numpy as np
    from scipy import stats

    known = ~np.isnan(items.scores)
    values = np.where(known, items.scores, 0.0)
    order = np.lexsort((*known, *values))
    values, known = values[:, order].astype(np.float32), known[:, order].astype(np.float32)
    ways = [np.unique(way[order], return_inverse=True)[1] for way in (items.clusters, items.raters)]
    sizes = [int(way.max()) + 1 for way in ways]
    means = (values.sum(1, dtype=float) / np.maximum(known.sum(1, dtype=float), 1)).astype(np.float32)[:, None]
    drawn, begin, generator = np.empty((len(values), draws), np.float32), 0, np.random.default_rng(seed)
    both = zip(*(pieces_of(generator, draws, size, values.shape[1]) for size in sizes), strict=True)
    for one, two in both:
        weights, end = one[:, ways[0]] * two[:, ways[1]], begin + len(one)
        drawn[:, begin:end] = ratios(values @ weights.T, known @ weights.T, means)
        begin = end
    few = min(sizes)
    tail = (1 + CONFIDENCE) / 2
    stretch = math.sqrt(few / (few - 1)) * stats.t.ppf(tail, few - 1) / stats.norm.ppf(tail)
    return means + (drawn - means) * np.float32(stretch)


def pieces_of(generator: Any, draws: int, groups: int, items: int) -> Iterator[Any]:
    """How often each group is drawn in each draw: (some draws, groups) float32, few enough for so many items."""
    import numpy as np

    piece = max(1, 10 * CHUNK // items)
    for begin in range(0, draws, piece):
        count = min(piece, draws - begin)
        yield generator.multinomial(groups, np.full(groups, 1 / groups), count).astype(np.float32)


def normal_means(scores: Any, errors: Any, draws: int, seed: Sequence[int]) -> Any:
    """Draws of (checkpoints,) scores with independent normal errors, or of joint ones, by a root of their covariance:
    (checkpoints, draws) float32."""
    import numpy as np

    noise = np.random.default_rng(seed).standard_normal((len(scores), draws), dtype=np.float32)
    noise = with_errors(noise, errors)
    noise += np.float32(scores)[:, None]
    return noise


def half_means(items: ItemScores, splits: int, seed: Sequence[int]) -> Any:
    """Means over a random half of the clusters and over the other; each split both ways: (2, checkpoints, 2 splits)."""
    import numpy as np

    if items.raters is not None:  # a rater's taste must not be in both halves
        items = replace(items, clusters=items.raters)
    sums, counts = cluster_sums(items)
    clusters = sums.shape[1]
    place = np.random.default_rng(seed).random((splits, clusters)).argsort(1)
    sizes = clusters // 2 + np.arange(splits)[:, None] % 2 * (clusters % 2)
    half = (place < sizes).astype(np.float32).T
    means = sums.sum(1, keepdims=True) / np.maximum(counts.sum(1, keepdims=True), 1)
    one = ratios(sums @ half, counts @ half, means)
    other = ratios(sums @ (1 - half), counts @ (1 - half), means)
    return np.stack([np.hstack([one, other]), np.hstack([other, one])])


def with_errors(noise: Any, errors: Any) -> Any:
    """(checkpoints, draws) standard normal noise, which is used up, with these errors, or this root of a covariance."""
    import numpy as np

    errors = np.float32(errors)
    return errors @ noise if errors.ndim > 1 else np.multiply(errors[:, None], noise, out=noise)


def normal_halves(scores: Any, errors: Any, splits: int, seed: Sequence[int]) -> Any:
    """As half_means, for normal errors: score ± error x noise are independent, each as of half of the items.

    Gaussian data thinning (Neufeld, Dharamshi, Gao and Witten 2024).
    """
    import numpy as np

    noise = with_errors(np.random.default_rng(seed).standard_normal((len(scores), splits)), errors)
    one, other = np.float32(scores)[:, None] + noise, np.float32(scores)[:, None] - noise
    return np.stack([np.hstack([one, other]), np.hstack([other, one])])


def trailing_means(values: Any, n: int) -> Any:
    """Means over the last n along the first axis; the first n - 1 places have none: (places - n + 1, ...)."""
    return values if n == 1 else sum(values[i : len(values) - n + 1 + i] for i in range(n)) / n


def draw_interval(draws: Any) -> Any:
    """The 95 % interval of each checkpoint, by the percentiles of its draws: (2, checkpoints)."""
    import numpy as np

    return np.quantile(draws, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], axis=1)


def tie_width(draws: Any) -> float:
    """How close draws of equal scores may be, on whatever scale they are."""
    import numpy as np

    return TIE * max(1.0, float(np.abs(draws).max(initial=0.0)))


def probability_best(draws: Any) -> Any:
    """Share of the draws in which a checkpoint is the best one, equal ones sharing a draw: (checkpoints,)."""
    winners = draws >= draws.max(0) - tie_width(draws)
    return (winners / winners.sum(0)).mean(1)


def enough(draws: Any) -> Any:
    """The draws, (checkpoints, draws), or the first 2,000 of them for more than 300 checkpoints.

    What compares all pairs grows with the square of the checkpoints: 1,000 with 10,000 draws take ten seconds and more.
    2,000 draws know a p-value of 0.05 to 0.005.
    """
    return draws[:, :FEWER_DRAWS] if len(draws) > MANY_CHECKPOINTS else draws


def rank_intervals(draws: Any) -> list[tuple[int, int]]:
    """The 95 % interval of each checkpoint's rank over the draws, 1 for the best; equal ones may have any of theirs."""
    import numpy as np

    tail, draws, tie = (1 - CONFIDENCE) / 2, enough(draws), tie_width(draws)
    first, last = (np.empty(draws.shape, np.uint16) for _ in range(2))
    if len(draws) > MANY_CHECKPOINTS:
        for i, column in enumerate(draws.T):
            ordered = np.sort(column)
            first[:, i] = 1 + len(column) - np.searchsorted(ordered, column + tie, "right")
            last[:, i] = len(column) - np.searchsorted(ordered, column - tie, "left")
    else:
        for i, row in enumerate(draws):
            first[i] = 1 + (draws > row + tie).sum(0, dtype=np.uint16)
            last[i] = (draws >= row - tie).sum(0, dtype=np.uint16)
    low = np.quantile(first, tail, axis=1, method="inverted_cdf")
    high = np.quantile(last, 1 - tail, axis=1, method="inverted_cdf")
    return list(zip(low.astype(int).tolist(), high.astype(int).tolist(), strict=True))


def ranks_within(draws: Any, low: Any, high: Any) -> list[tuple[int, int]]:
    """`rank_intervals` of draws of scores each of which may also lie off by anything between `low` and `high`."""
    import numpy as np

    found = rank_intervals(draws)
    if not low.any() and not high.any():
        return found
    tail, least, most = (1 - CONFIDENCE) / 2, draws + low[:, None], draws + high[:, None]
    for i, (first, last) in enumerate(found):
        above = np.quantile((least > most[i]).sum(0), tail, method="inverted_cdf")
        beside = np.quantile((most >= least[i]).sum(0), 1 - tail, method="inverted_cdf")
        found[i] = min(first, 1 + int(above)), max(last, int(beside))
    return found


def elimination(t: Any) -> list[tuple[int, float, int]]:
    """(which, its t, the one that it is furthest behind) in the order in which a set loses the one that is furthest
    behind any other, to the last; t, which is used up: how far each is behind each, 0 behind itself."""
    import numpy as np

    ahead = t.argmax(1)
    furthest = t[np.arange(len(t)), ahead]
    found = []
    for _ in t:
        worst = int(furthest.argmax())
        found.append((worst, furthest[worst], int(ahead[worst])))
        furthest[worst] = t[:, worst] = -np.inf
        moved = np.flatnonzero((ahead == worst) & (furthest >= 0))  # nearly none: few are behind the last one
        ahead[moved] = t[moved].argmax(1)
        furthest[moved] = t[moved, ahead[moved]]
    return found


def largest_differences(noise: Any, weights: Any) -> Iterator[Any]:
    """For the first two rows of (rows, draws) noise, the first three and so on: the largest |difference| of two of them
    times its weight, of each draw (one array, that grows); weights: (rows, rows), not negative.

    A group of rows is looked at only in the draws in which its ends, with its largest weight, come up to what was found
    before: in nearly all the largest stands early.
    """
    import numpy as np

    largest = np.zeros(noise.shape[1], noise.dtype)
    low, high = (np.empty((len(noise) // ROWS_AT_ONCE + 1, noise.shape[1]), noise.dtype) for _ in range(2))

    def look(rows: slice, draws: Any) -> None:
        apart = noise[rows, draws] - noise[place, draws]
        apart *= weights[place, rows, None]
        largest[draws] = np.maximum(largest[draws], np.maximum(apart.max(0), -apart.min(0)))

    for place in range(1, len(noise)):
        groups = place // ROWS_AT_ONCE
        whole = groups * ROWS_AT_ONCE
        if place == whole:
            last = noise[whole - ROWS_AT_ONCE : whole]
            low[groups - 1], high[groups - 1] = last.min(0), last.max(0)
        else:
            look(slice(whole, place), slice(None))
        reach = np.maximum(high[:groups] - noise[place], noise[place] - low[:groups])
        reach *= weights[place, :whole].reshape(groups, ROWS_AT_ONCE).max(1)[:, None]
        for group, draws in enumerate(reach > largest):
            if draws.any():
                look(slice(group * ROWS_AT_ONCE, (group + 1) * ROWS_AT_ONCE), np.flatnonzero(draws))
        yield largest


def confidence_set(scores: Any, draws: Any, of_few: Callable[[int, int], float | None] = lambda *_: None) -> Any:
    """p-values of the model confidence set, (checkpoints,): those of at least 0.05 cannot be told from the best one.

    of_few: the p-value of two checkpoints (places) of which few items differ; a set that they are furthest apart in has
    no smaller p-value than theirs times its pairs (Bonferroni), however little the draws vary. None: the draws hold.

    Hansen, Lunde and Nason 2011 (Econometrica 79, 453-497), section 3.1.2: T_R, the largest |t| of all pairs, with its
    elimination rule; the null distribution from the draws about the scores. The rule looks at the scores alone, so the
    order of elimination comes first, and the largest |t| of each smaller set is found on the way back. (arch's MCS
    resamples one series of losses; here tasks are averaged.)
    """
    import numpy as np

    tie = tie_width(draws)
    noise = draws - draws.mean(1, keepdims=True)
    covariance = np.cov(noise.astype(float), bias=True).reshape(len(scores), len(scores))
    noise = enough(noise)
    variance = covariance.diagonal()
    spread = np.sqrt(np.maximum(variance + variance[:, None] - 2 * covariance, 0))
    clear = spread > tie
    spread = np.where(clear, spread, 1)
    behind = scores - scores[:, None]
    t = np.where(clear, behind / spread, np.where(behind > tie, np.inf, 0.0))
    *eliminated, (last, *_) = elimination(t)
    order = [last, *(out for out, *_ in reversed(eliminated))]
    weights = np.where(clear, 1 / spread, 0.0)[np.ix_(order, order)].astype(np.float32)
    largest = largest_differences(noise[order], weights)
    reached = [float((own >= seen).mean()) for own, (_, seen, _) in zip(largest, reversed(eliminated), strict=True)]
    p_values, highest = np.ones(len(scores)), 0.0
    tests = zip(range(len(scores), 1, -1), reversed(reached), eliminated, strict=True)
    for size, p_value, (out, _, ahead) in tests:
        highest = max(highest, p_value, min(1.0, math.comb(size, 2) * (of_few(out, ahead) or 0.0)))
        p_values[out] = highest
    return p_values


def simultaneous_differences(scores: Any, draws: Any, baseline: int) -> list[tuple[float, float, float]]:
    """(difference, low, high) of each checkpoint to one of them, paired; all intervals hold together with 95 %.

    The half-width is the 95 % quantile of the largest |t| over the checkpoints, times the standard error (max-t
    bootstrap, Romano and Wolf 2005).
    """
    import numpy as np

    noise = draws - draws.mean(1, keepdims=True)
    noise = noise - noise[baseline]
    spread = noise.std(1)
    clear = spread > tie_width(draws) * 1e-2
    quantile = 0.0
    if clear.any():
        quantile = float(np.quantile(np.abs(noise[clear] / spread[clear, None]).max(0), CONFIDENCE))
    difference = scores - scores[baseline]
    half = np.where(clear, quantile * spread, 0.0)
    return [(float(d), float(d - h), float(d + h)) for d, h in zip(difference, half, strict=True)]


def split_half_score(halves: Any, base: Any = None) -> float:
    """The mean score, on the halves that did not choose, of the checkpoints that the other halves chose.

    base: the halves (2, 1, splits) of another model; then how much better they are than it on the same halves.
    """
    choose, report = halves
    winners = choose >= choose.max(0) - tie_width(choose)
    found = (winners * report).sum(0) / winners.sum(0)
    return float((found if base is None else found - base[1, 0]).mean())


def line_contrast(x: Sequence[float]) -> Any:
    """The weights of scores in the change along their regression line on x, from its first to its last place."""
    import numpy as np

    places = np.asarray(x, float)
    return (places - places.mean()) / ((places - places.mean()) ** 2).sum() * (places[-1] - places[0])


def line_change(x: Sequence[float], scores: Any, draws: Any) -> tuple[float, float, float]:
    """(change, low, high) along the regression line of the scores on x, from its first to its last place."""
    import numpy as np

    contrast = line_contrast(x)
    low, high = np.quantile(contrast @ draws, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(contrast @ scores), float(low), float(high)


def off_the_line(x: Sequence[float], scores: Any, draws: Any) -> int | None:
    """The place that lies furthest off the regression line of the scores on x, where the draws do not explain it (the
    largest |t| of all places, 95 %); None where the line fits."""
    import numpy as np

    places = np.asarray(x, float)
    design = np.stack([np.ones_like(places), places - places.mean()])
    rest = np.eye(len(places)) - design.T @ np.linalg.inv(design @ design.T) @ design
    noise = rest @ (draws - draws.mean(1, keepdims=True))
    spread = noise.std(1)
    clear = spread > tie_width(draws)
    if not clear.any():
        return None
    size = np.where(clear, np.abs(rest @ scores) / np.where(clear, spread, 1.0), 0.0)
    largest = np.quantile((np.abs(noise[clear]) / spread[clear, None]).max(0), CONFIDENCE)
    return int(size.argmax()) if size.max() > largest else None


# --- parts/statistics/corpus_draws.py ---------------------------------------------------------------------------------

CORPUS_DRAWS = 10_000
ROW_DRAWS = 1_000  # of scores that are no function of sums: each draw is computed from its items


def grouped_rows(rows: Sequence[Any], groups: Any) -> tuple[list[Any], int]:
    """(sums of the statistics over each group, how many groups); the items alone where nothing is shared."""
    import numpy as np

    if groups is None:
        return list(rows), len(rows[0])
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(np.asarray(groups)[order], prepend=-1))
    return [np.add.reduceat(own[order], starts, axis=0) for own in rows], len(starts)


def drawn_units(formula: str, sides: Sequence[Any], groups: Any) -> tuple[list[Any], int, Any]:
    """(what weights are put on for each side, how many units are drawn, the unit of each row): sums of groups, or rows
    where the score is no function of sums."""
    if FORMULAS[formula].by_rows:
        return list(sides), len(sides[0]) if groups is None else 1 + int(groups.max()), groups
    rows, units = grouped_rows(sides, groups)
    return rows, units, None


def drawn_scores(formula: str, sides: Sequence[Any], groups: Any, draws: int, seed: Sequence[int]) -> Any:
    """(sides, draws) scores of bootstrap draws of the items, or of their groups: the same ones for all sides."""
    import numpy as np

    rule, found = FORMULAS[formula], []
    rows, units, places = drawn_units(formula, sides, groups)
    for weights in resampling_weights(np.random.default_rng(seed), draws, units):
        weights = weights if places is None else weights[:, places]
        found.append([rule.weighted(own, weights) for own in rows])
    return np.concatenate([np.array(part) for part in found], axis=1)


def half_scores(formula: str, sides: Sequence[Any], groups: Any, splits: int, seed: Sequence[int]) -> Any:
    """Scores on a random half of the items (or groups) and on the other, both ways round: (2, sides, 2 splits)."""
    import numpy as np

    rule = FORMULAS[formula]
    rows, units, places = drawn_units(formula, sides, groups)
    place = np.random.default_rng(seed).random((splits, units)).argsort(1)
    half = (place < units // 2 + np.arange(splits)[:, None] % 2 * (units % 2)).astype(float)
    half = half if places is None else half[:, places]
    one, other = (np.array([rule.weighted(own, weights) for own in rows]) for weights in (half, 1 - half))
    return np.stack([np.hstack([one, other]), np.hstack([other, one])])


def randomization_p(formula: str, one: Any, other: Any, groups: Any, trials: int, seed: Sequence[int]) -> float:
    """The two-sided p-value of "it makes no difference which side gave which answer": approximate randomization.

    Items (or groups) change sides at random (Noreen 1989, Riezler and Maxwell 2005); (c + 1) / (trials + 1) for the c
    trials with a difference at least as large as the observed one. sacrebleu's --paired-ar counts larger ones alone,
    which is nearly the same for BLEU, and too little for errors that are whole numbers and often equal.
    """
    import numpy as np

    rule, rng = FORMULAS[formula], np.random.default_rng(seed)
    observed, larger = abs(rule.of(one) - rule.of(other)), 0
    (one, other), units, place = drawn_units(formula, [one, other], groups)
    place = slice(None) if place is None else place
    step = 1 if rule.by_rows else max(1, 2_000_000 // units)
    for begin in range(0, trials, step):
        kept = rng.integers(2, size=(min(step, trials - begin), units), dtype=bool)[:, place]
        if rule.by_rows:
            mask = kept[0][:, None]
            scores = np.array([rule.of(np.where(mask, one, other)) - rule.of(np.where(mask, other, one))])
        else:
            mixed = kept @ (one - other)
            scores = rule.factor * (rule.compute(mixed + other.sum(0)) - rule.compute(one.sum(0) - mixed))
        larger += int((np.abs(scores) >= observed - 1e-12 * max(1.0, observed)).sum())
    return (larger + 1) / (trials + 1)


@dataclass(frozen=True, slots=True)
class Resampled(Evidence):
    """A difference as the paired bootstrap has it: percentiles at the level that few units ask for (Hesterberg 2015).

    drawn: the sorted differences of the draws; freedom: units less 1, of the t quantile that the level comes from.
    Beyond the draws the bound goes on in their standard deviations. swing: where few items changed, how much the score
    would if all did; the draws know nothing of changes that were not met, and the exact bound of their share is added.
    """

    drawn: Any
    error: float
    freedom: float
    changed: float = 0.0
    swing: float = 0.0

    def low_end(self, critical: Any) -> Any:
        """See Evidence."""
        import numpy as np
        from scipy import special

        if np.ndim(critical):
            return np.array([self.low_end(float(one)) for one in critical])
        wide = critical * math.sqrt((self.freedom + 1) / self.freedom)
        last = len(self.drawn) - 1
        place, edge = float(special.ndtr(-wide)) * last, min(10.0, last / 4)
        beyond = 0.0
        if place < edge:
            place, beyond = edge, (wide + float(special.ndtri(edge / last))) * self.error
        low = int(place)
        high = min(low + 1, last)
        found = self.drawn[low] + (place - low) * (self.drawn[high] - self.drawn[low])
        return float(found) - beyond - self.unmet(critical)

    def unmet(self, critical: float) -> float:
        """What items that were not met could change, at a critical value: the bound of Clopper and Pearson."""
        from scipy import special

        n = self.freedom + 1
        if not self.swing or self.changed >= n:
            return 0.0
        most = float(special.betaincinv(self.changed + 1, n - self.changed, special.ndtr(critical)))
        return self.swing * max(0.0, most - self.changed / n)

    def mirrored(self) -> Resampled:
        """See Evidence."""
        return replace(self, drawn=-self.drawn[::-1])

    def planned(self, times: float, unchanged: bool) -> tuple[Resampled, float]:
        """See Evidence."""
        middle = float(self.drawn[len(self.drawn) // 2])
        drawn = (self.drawn - middle) / math.sqrt(times) + (0.0 if unchanged else middle)
        error = self.error / math.sqrt(times)
        then = replace(self, drawn=drawn, error=error, freedom=max(1.0, (self.freedom + 1) * times - 1))
        return replace(then, changed=self.changed * times), error


def draws_for(formula: str, items: int) -> int:
    """How many draws are made: fewer of scores by rows, and of very many items."""
    return ROW_DRAWS if FORMULAS[formula].by_rows else max(ROW_DRAWS, min(CORPUS_DRAWS, 10**9 // max(items, 1)))


# --- parts/statistics/corpus_interval.py ------------------------------------------------------------------------------

CORRELATIONS = ("pearson", "spearman", "kendall")
FEWEST_DRAWS = 0.5  # share of the draws that must have a score: others lack a class
OPEN_RATE = 0.5  # above, a rate without a top has an interval on the scale of its logarithm


def widest_share(formula: str, units: Any, counts: Any) -> float:
    """The variance, as a share of value (1 - value), if each unit were wholly right or wrong: by how much each weighs.

    Of a mean over classes that of each class, as of independent parts. inf: nothing weighs anything.
    """
    import numpy as np

    if formula in ("auroc", "average_precision"):  # no more than the rarer class, the positive one, tells (Birnbaum)
        positive = float(counts @ units[:, 1])
        few = positive if formula == "average_precision" else min(positive, float(counts.sum()) - positive)
        return 1 / few if few else math.inf
    sizes = {"ratio": [1], "percent_ratio": [1], "f1": [1, 2], "bleu": [9], "chrf": [1]}.get(formula)
    count = units.shape[1] // 3
    if FORMULAS[formula].labels:
        weights = units[:, count : 2 * count] + units[:, 2 * count :]
    else:
        weights = units[:, sizes].sum(1, keepdims=True) if sizes else np.ones((len(units), 1))
    total = counts @ weights
    parts = (counts @ weights**2)[total > 0] / total[total > 0] ** 2
    return float(parts.sum()) / len(parts) ** 2 if len(parts) else math.inf


def jackknife_error(rule: Formula, units: Any, counts: Any) -> float:
    """The standard error of a score of sums, each unit left out once, but for those without which there is no score."""
    import numpy as np

    found = np.asarray(rule.factor * rule.compute(counts @ units - units), float)
    known = np.isfinite(found)
    if not known.any():
        return 0.0
    found, weights = found[known], counts[known]
    n = float(weights.sum())
    off = found - weights @ found / n
    return math.sqrt(max(0.0, (n - 1) / n * float(weights @ off**2)))


def fisher_interval(value: float, drawn: Any, n: float) -> tuple[float, float]:
    """The interval of a coefficient between -1 and 1 from finite draws of n units, on the scale of Fisher's z."""
    import numpy as np

    z = np.arctanh(np.clip([value, *drawn], -1 + 1e-12, 1 - 1e-12))
    half = float(critical_value((1 - CONFIDENCE) / 2, n - 1)) * float(z[1:].std(ddof=1)) * math.sqrt(n / (n - 1))
    return math.tanh(z[0] - half), math.tanh(z[0] + half)


def interval_by_items(formula: str, rows: Any, groups: Any, drawn: Any = None) -> tuple[float, float, str] | None:
    """(both ends, method) of the 95 % interval of the score of some items, or None.

    groups: the number of what each item shares with others, or None. drawn: scores of draws, for formulas by rows that
    were drawn already.
    """
    import numpy as np

    rule = FORMULAS[formula]
    value, units = rule.of(rows), len(rows) if groups is None else int(groups.max()) + 1
    if rule.by_rows and drawn is None:
        (drawn,) = drawn_scores(formula, [rows], groups, draws_for(formula, len(rows)), [0])
    elif not rule.by_rows:
        (rows,), units = grouped_rows([rows], groups)
    made = corpus_spread(formula, value, rows, np.ones(len(rows)), drawn, units)
    return None if isinstance(made, str) else made[1:]


def corpus_spread(
    formula: str, value: float, units: Any, counts: Any, drawn: Any = None, n: int = 0
) -> tuple[float, float, float, str] | str:
    """(standard error, both ends, method); or why there is none.

    drawn: for formulas by rows, whose units are items, the scores of draws of `n` groups (0: of the items).
    """
    import numpy as np

    rule, n = FORMULAS[formula], n or float(counts.sum())
    if n < 2:
        return "one item or group only"
    stretch = math.sqrt(n / (n - 1))
    if rule.by_rows:
        finite = drawn[np.isfinite(drawn)]
        if len(finite) < max(2, FEWEST_DRAWS * len(drawn)):
            return f"undefined in {len(drawn) - len(finite)} of {len(drawn)} draws" if len(drawn) else "--draws 0"
        error = float(finite.std(ddof=1)) * stretch
        if formula in CORRELATIONS:
            if not error:
                return "all draws are alike"
            return error, *fisher_interval(value, finite, n), "bootstrap, Fisher's z, t"
    else:
        error = jackknife_error(rule, units, counts)
    name = "bootstrap" if rule.by_rows else "jackknife"
    if rule.high is None and value > OPEN_RATE * rule.factor:
        half = float(critical_value((1 - CONFIDENCE) / 2, n - 1)) * error / value
        low, high = value * math.exp(-half), value * math.exp(half)
        return (error, max(rule.low, low), high, f"{name}, logarithm, t") if error else "all items are alike"
    top = rule.factor if rule.high is None else rule.high
    widest = widest_share(formula, units, counts)
    freedom = 1 / widest - 1 if rule.by_rows else n - 1
    if not math.isfinite(widest) or freedom < 1:
        return "one item of a class only"
    wide = top - rule.low
    mean = steadied((value - rule.low) / wide, (error / wide) ** 2 * (n - 1) / n, widest, freedom)
    low, high = (rule.low + wide * float(end) for end in mean.interval())
    return error, low, high, f"Wilson on the effective number of items, {name}, t"


# --- parts/ranking/corpus.py ------------------------------------------------------------------------------------------


def corpus_groups(items: ItemScores) -> tuple[Any, int]:
    """(the number of what each item shares, or None; how many units are drawn)."""
    import numpy as np

    found, numbers = np.unique(items.clusters, return_inverse=True)
    return (None, len(numbers)) if len(found) == len(numbers) else (numbers, len(found))


def corpus_scores_drawn(items: ItemScores, draws: int, seed: list[int]) -> Any:
    """(checkpoints, draws) bootstrap draws of the scores, stretched about them as those of means are.

    Scores by rank are computed draw by draw: so many as are affordable, each of them used again.
    """
    import numpy as np

    groups, units = corpus_groups(items)
    made = min(draws, draws_for(items.formula, len(items.item_ids)))
    drawn = items.scale * drawn_scores(items.formula, list(items.statistics), groups, made, seed)
    middle = np.nanmean(drawn, axis=1, keepdims=True)
    drawn = np.where(np.isfinite(drawn), drawn, middle)
    stretched = middle + (drawn - middle) * math.sqrt(units / (units - 1))
    return np.tile(stretched, math.ceil(draws / made))[:, :draws].astype(np.float32)


def corpus_scores_halved(items: ItemScores, splits: int, seed: list[int]) -> Any:
    """The scores on halves of the items, (2, checkpoints, 2 splits)."""
    return items.scale * half_scores(items.formula, list(items.statistics), corpus_groups(items)[0], splits, seed)


def corpus_interval(items: ItemScores, place: int) -> Interval | None:
    """The 95 % interval of one checkpoint's score, or None."""
    import numpy as np

    there, (groups, _) = np.isfinite(items.scores[place]), corpus_groups(items)
    groups = None if groups is None else np.unique(groups[there], return_inverse=True)[1]
    found = interval_by_items(items.formula, items.statistics[place][there], groups)
    return None if found is None else Interval(items.scale * found[0], items.scale * found[1], found[2])


# --- parts/ranking/few.py ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FewItems:
    """The pairs of some checkpoints. rows: of each, the rows of the tasks that it is the mean of (--smooth).

    weights: task -> its share of the score; means: how far off each score may be, None where nothing tells.
    """

    tasks: Sequence[TaskData]
    weights: Mapping[str, float]
    rows: Sequence[slice]
    means: Sequence[BoundedMean | None]

    @property
    def by_items(self) -> list[TaskData]:
        """The tasks whose items are here."""
        return [task for task in self.tasks if task.items is not None]

    @cached_property
    def paired(self) -> bool:
        """Whether all scores are means of items that can be paired."""
        return all(task.items is not None and not task.items.formula for task in self.tasks)

    @cached_property
    def count(self) -> float:
        """How many independent items there are at least; infinite where nobody knows."""
        counts = [
            len(set(task.items.clusters.tolist()))
            if task.items is not None
            else min((math.inf if one.n is None else one.n for one in task.estimates), default=math.inf)
            for task in self.tasks
        ]
        return sum(counts)

    def shares(self, one: int, other: int) -> Any:
        """(2, clusters): how much each cluster of items counts, and what it adds to the lead of one checkpoint."""
        import numpy as np

        found = []
        for task, (group, count) in zip(self.tasks, self.groups, strict=True):
            ahead = task.items.scores[self.rows[one]].mean(0) - task.items.scores[self.rows[other]].mean(0)
            known = ~np.isnan(ahead)
            columns = known.astype(float), np.where(known, ahead, 0.0)
            if count < len(group):
                columns = [np.bincount(group, column) for column in columns]
            found.append(np.stack(columns) * (self.weights[task.name] / max(int(known.sum()), 1)))
        return np.hstack(found)

    @cached_property
    def groups(self) -> list[tuple[Any, int]]:
        """(cluster of each item as a number, how many there are) of each task."""
        import numpy as np

        found = [np.unique(task.items.clusters, return_inverse=True)[1] for task in self.tasks]
        return [(group, int(group.max(initial=-1)) + 1) for group in found]

    def evidence(self, one: int, other: int) -> Evidence | None:
        """What is known of the lead of a checkpoint over another one, of few items; None where nothing tells."""
        if self.paired:
            sizes, ahead = self.shares(one, other)
            sizes, ahead = sizes[sizes > 0], ahead[sizes > 0]
            n = len(sizes)
            return paired_difference(n * ahead, (), n * float(sizes.max()))
        means = self.means[other], self.means[one]
        return None if None in means else unpaired_difference(*means)

    def few(self, one: int, other: int) -> bool:
        """Whether draws cannot be trusted for two checkpoints."""
        if not self.paired:
            return self.count < FEW_DIFFERING
        return self.count < FEW_DIFFERING or len(changed_only(self.shares(one, other)[1])) < FEW_DIFFERING

    def p_value(self, one: int, other: int) -> float | None:
        """The two-sided p-value of "neither is better"; 1 for too few items, None where draws are to be trusted."""
        if self.count < FEW_ITEMS:
            return 1.0
        if not self.few(one, other):
            return None
        if self.paired:
            return sign_flip_p(changed_only(self.shares(one, other)[1]))
        evidence = self.evidence(one, other)
        return None if evidence is None else two_sided_p(evidence)


# --- parts/ranking/comparable.py --------------------------------------------------------------------------------------

MANY_ITEMS = 10**9  # more than a run has: one over a part of its items stands behind those of unknown size


def invalid_runs(results: Sequence[Result]) -> list[str]:
    """Why a checkpoint's runs may not be ranked, by the gate that every reader asks."""
    found: dict[str, list[str]] = defaultdict(list)
    for result in results:
        for reason in result.run.validity.reasons:
            found[f"{result.key}: {reason}"].append(result.subtask)
    return [line + (f" ({listing(parts, 3)})" if any(parts) else "") for line, parts in found.items()]


def other_scales(results: Sequence[Result], others: Sequence[Result]) -> list[str]:
    """Where a checkpoint's scores are on other scales than another one's, so that nothing allows to rank them."""
    own = {result.task: result.run for result in others}
    found = {r.task: unlike_scales(r.run, own[r.task]) for r in results if r.task in own}
    return [f"{task}: {line}" for task, unlike in found.items() for line in difference_lines(unlike)]


def remedy_of(results: Sequence[Result]) -> str:
    """What to do about a checkpoint's invalid runs."""
    runs = [result.run for result in results if result.run.validity.reasons]
    if any(run.lost_items or run.conflict for run in runs):
        return "convert its files again (convert_results.py says what is wrong with them)"
    return "look at its samples and measure it again"


def item_marks(
    chosen: Mapping[Checkpoint, Sequence[Result]], samples: Mapping[Checkpoint, Mapping[str, Samples]]
) -> dict[tuple[Checkpoint, str], tuple[int | None, str, str]]:
    """(items, digest of the items, digest of the prompts) of every run.

    A run without samples is taken to have the items of most others with as many items: nothing says otherwise. Scores
    of one file of votes are alike where the votes tell how far each is above each.
    """
    marks: dict[tuple[Checkpoint, str], tuple[int | None, str, str]] = {}
    common: dict[tuple[str, int | None], Counter[tuple[str, str]]] = defaultdict(Counter)
    for checkpoint, results in chosen.items():
        for result in results:
            own = samples.get(checkpoint, {}).get(result.task)
            if own is None and result.run.votes is not None and result.run.votes.gaps:
                votes = result.run.votes
                marks[checkpoint, result.task] = None, f"{votes.file} {sorted({votes.system, *votes.gaps})}", ""
            elif own is not None:
                marks[checkpoint, result.task] = len(own.keys), own.items_digest, own.prompts_digest
                common[result.task, len(own.keys)][own.items_digest, own.prompts_digest] += 1
    for checkpoint, results in chosen.items():
        for result in results:
            if (checkpoint, result.task) not in marks:
                made = result.attempts.made
                n = None if made is None else made // result.run.times
                most = common[result.task, n].most_common(1)
                marks[checkpoint, result.task] = n, *(most[0][0] if most else ("", ""))
    return marks


def unlike_checkpoints(
    chosen: Mapping[Checkpoint, Sequence[Result]],
    samples: Mapping[Checkpoint, Mapping[str, Samples]],
    shared: set[str],
    allowed: bool,
    base: str | None = None,
) -> list[Unlike]:
    """The checkpoints that cannot be compared with the others, and why; ScriptError(code=3) when it is a choice.

    Compared are the valid ones that were measured alike: on most items, and of these the most checkpoints. The model of
    the name `base` is held against them, and chooses none of them.
    """
    shares = {c: sorted((r for r in rows if r.key in shared), key=lambda r: r.task) for c, rows in chosen.items()}
    reasons = {c: invalid_runs(rows) for c, rows in shares.items()}
    marks = item_marks(shares, samples)
    groups: list[list[Checkpoint]] = []
    for checkpoint in shares:
        if not reasons[checkpoint] and checkpoint.name != base:
            alike = (group for group in groups if not differences(checkpoint, group[0], shares, marks))
            group = next(alike, None)
            if group is None:
                groups.append(group := [])
            group.append(checkpoint)
    group = compared_group(
        groups,
        allowed,
        lambda c: (
            sum(marks[c, r.task][0] or 0 for r in shares[c]) - sum(MANY_ITEMS for r in shares[c] if r.run.partial)
        ),
        lambda one, other: differences(one, other, shares, marks),
        lambda: alike_benchmarks([c for c in shares if not reasons[c]], shares, marks),
        [f"{c.name} is not valid ({listing(lines, 3)})" for c, lines in reasons.items() if lines],
    )
    if group is None:
        first = next(c for c in shares if c.name != base)
        raise ScriptError(
            f"no checkpoint was measured validly ({first.name}: {listing(reasons[first])}); "
            f"{remedy_of(shares[first])}, choose other benchmarks with --benchmarks, or rank all the same with "
            "--allow-unlike",
            code=3,
        )
    entries, compared = [], set(group)
    for checkpoint, rows in shares.items():
        if group and checkpoint not in compared and not reasons[checkpoint]:
            reasons[checkpoint] = differences(checkpoint, group[0], shares, marks)
        if reasons[checkpoint]:
            tasks = scores_by_task(rows)
            scores = {key: mean_score(list(tasks[key].values())) for key in sorted(tasks)}
            entries.append(Unlike(checkpoint, tuple(reasons[checkpoint]), scores))
    return entries


def compared_group(
    groups: Sequence[list[Checkpoint]],
    allowed: bool,
    items: Callable[[Checkpoint], int],
    why: Callable[[Checkpoint, Checkpoint], list[str]],
    alike: Callable[[], list[str]],
    invalid: Sequence[str],
) -> list[Checkpoint] | None:
    """Of the checkpoints measured alike, those on most items, and of these the largest group; None without any.

    ScriptError(code=3) when two groups are equal in both, or when it is a single one of several checkpoints.
    """
    ordered = sorted(groups, key=lambda group: (-items(group[0]), -len(group)))
    if not ordered:
        return [] if allowed else None
    first, *others = ordered
    if allowed or not others:
        return first
    if len(first) == 1 or (items(first[0]), len(first)) == (items(others[0][0]), len(others[0])):
        one = first[0]
        pair = f"{option_words('--baseline', one.name)} {option_words('--candidate', others[0][0].name)}"
        unlike = [f"{listing(c.name for c in group)} has {'; '.join(why(group[0], one))}" for group in others]
        rest = (
            f"rank by what was measured alike with {option_words('--benchmarks', ','.join(keys))}, "
            if (keys := alike())
            else ""
        )
        raise ScriptError(
            f"not measured alike, so not comparable: {listing(unlike, 5)}, as {listing(c.name for c in first)} has; "
            f"{''.join(f'{line}; ' for line in invalid[:5])}"
            f"{rest}evaluate them alike (compare_results.py {pair} with "
            "the same --results prints the command), or rank all the same with --allow-unlike",
            code=3,
        )
    return first


def alike_benchmarks(
    checkpoints: Sequence[Checkpoint],
    shares: Mapping[Checkpoint, Sequence[Result]],
    marks: Mapping[tuple[Checkpoint, str], tuple[int | None, str, str]],
) -> list[str]:
    """The benchmarks for which all of these checkpoints were measured alike."""
    first = checkpoints[0]
    keys = dict.fromkeys(result.key for result in shares[first])
    found = []
    for key in keys:
        own = {c: [result for result in shares[c] if result.key == key] for c in checkpoints}
        found += [] if any(differences(c, first, own, marks) for c in checkpoints) else [key]
    return found


def differences(
    checkpoint: Checkpoint,
    other: Checkpoint,
    shares: Mapping[Checkpoint, Sequence[Result]],
    marks: Mapping[tuple[Checkpoint, str], tuple[int | None, str, str]],
) -> list[str]:
    """In what a checkpoint's runs differ from those of another one: "harness: a 1.0, not a 1.1 (gsm8k, boolq)"."""
    found: dict[str, list[str]] = defaultdict(list)
    for own, its in zip(shares[checkpoint], shares[other], strict=True):
        mark, others = marks[checkpoint, own.task], marks[other, own.task]
        alone = mark[0] != others[0] and None in (mark[0], others[0])
        for name, values in setting_differences(own.run, its.run).items():
            found[f"{name}: {', not '.join(shortened_apart(*values))}"].append(own.task)
        if mark[:2] == others[:2] and (unlike := unlike_lengths(own.run.length, its.run.length)):
            found[unlike].append(own.task)
        if alone:
            whose = "its items are not here" if mark[0] is None else "its items are here, those of the others are not"
            found[f"{whose} (details or samples of the run)"].append(own.task)
        elif mark[0] != others[0]:
            found[f"{mark[0]} items, not {others[0]}"].append(own.task)
        elif own.run.partial != its.run.partial:
            found[f"{own.run.partial or 'all items'}, not {its.run.partial or 'all'}"].append(own.task)
        elif mark[1] != others[1]:
            found["other items"].append(own.task)
        elif mark[2] != others[2]:
            found["other prompts"].append(own.task)
    return [f"{what} ({listing(tasks, 3)})" for what, tasks in found.items()]


# --- parts/records/warnings.py ----------------------------------------------------------------------------------------

NEAR = 0.05  # of the range, beside the interval: 0.233 over 10,000 items of 4 choices is near chance, too


def is_near_chance(run: Run) -> bool:
    """Whether a score cannot be told from guessing, or is hardly better."""
    if not run.chance or run.unit != "proportion" or run.lower_is_better or not run.n or run.partial:
        return False
    low, high = wilson_interval(run.score * run.n, run.n)
    return low <= run.chance <= high or abs(run.score - run.chance) < NEAR * (1 - run.chance)


def chance_lines(runs: Iterable[Run]) -> list[str]:
    """The tasks on which every model is near chance: a broken prompt, or a benchmark that is too hard to tell."""
    tasks: dict[tuple[str, str], list[Run]] = defaultdict(list)
    for run in runs:
        tasks[run.task, run.metric].append(run)
    lines = []
    for (task, _), own in tasks.items():
        if all(is_near_chance(run) for run in own):
            scores = sorted({number(run.score) for run in own})
            found = scores[0] if len(scores) == 1 else f"{scores[0]} to {scores[-1]}"
            lines.append(
                f"{task}: near chance for all ({found}, guessing gives {number(own[0].chance)}): it tells nothing of "
                "them; are prompt, choices and answers right?"
            )
    return lines


def partial_lines(runs: Iterable[Run]) -> list[str]:
    """What was measured on a part of its items: "over 10 of 120 items, a smoke test and no score: my_quiz", with whose
    it is where it is not that of all."""
    runs = list(runs)
    parts = {run.partial: [one for one in runs if one.partial == run.partial] for run in runs if run.partial}
    lines, everyone = [], run_owners(runs)
    for part, own in parts.items():
        whose = run_owners(own)
        of = f" of {listing(whose, 10)}" if len(whose) < len(everyone) else ""
        tasks = listing(dict.fromkeys(run.task for run in own), 10)
        lines.append(f"over {part}, a smoke test and no score: {tasks}{of}")
    return lines


def run_owners(runs: Iterable[Run]) -> list[str]:
    """What the models of runs are called, each once."""
    return list(dict.fromkeys(run.identity.checkpoint or run.identity.name for run in runs))


def same_weights_line(models: Mapping[str, Sequence[Run]], what: str) -> str:
    """That two models are byte for byte one, and whether their scores differ all the same; nothing if they are two."""
    by_weights: dict[str, dict[str, Sequence[Run]]] = defaultdict(dict)
    for name, runs in models.items():
        for weights in {run.identity.fixed for run in runs} - {""}:
            by_weights[weights][name] = runs
    for own in by_weights.values():
        if len(own) > 1:
            scores: dict[tuple[str, str, str], set[float]] = defaultdict(set)
            for runs in own.values():
                for run in runs:
                    scores[run.task, run.metric, run.shots].add(run.score)
            unlike = sorted({task for (task, _, _), values in scores.items() if len(values) > 1})
            more = f"; their scores differ all the same on {listing(unlike)}" if unlike else ""
            return f"{listing(own)} are the same weights: {what}{more}"
    return ""


# --- parts/statistics/possible.py -------------------------------------------------------------------------------------


def possible_scores(
    known: Sequence[tuple[Any, ...]],
    references: Sequence[tuple[Any, ...]],
    counts: Sequence[int],
    times: int,
    formula: str,
    every: Sequence[tuple[Any, ...]],
) -> tuple[float, float] | None:
    """(lowest, highest) score; None where an answer has no best or worst, or the score is not defined.

    counts: how often each of `references` was lost, of `times` that it was asked. every: all statistics that say what
    the classes are.
    """
    import numpy as np

    rule, unsaid = FORMULAS[formula], [("", "")] if FORMULAS[formula].labels and formula != "f1_macro" else []
    classes = classes_of([*every, *unsaid], formula)  # with that of an answer that says nothing
    rows = statistics_array(known, formula, classes) / (1 if rule.by_rows else times)
    if not references:
        score = rule.of(rows)
        return (score, score) if math.isfinite(score) else None
    weights, scores = np.array(counts)[:, None] / times, []
    for fill in possible_answers(references, formula, classes, rows):
        if fill is None:
            return None
        scores.append(rule.of(np.concatenate([rows, weights * fill])))
    return (min(scores), max(scores)) if scores and all(map(math.isfinite, scores)) else None


def possible_answers(
    references: Sequence[tuple[Any, ...]], formula: str, classes: Sequence[str], known: Any
) -> Iterator[Any]:
    """(items, d) statistics of answers between which all others lie: perfect ones, and each kind of wrong ones.

    references: a statistic of each item, of any answer. known: those of the scored ones. None: nothing is the best.
    """
    import numpy as np

    rule = FORMULAS[formula]
    if rule.labels:
        wanted = [row[0] for row in references]
        yield statistics_array([(label, label) for label in wanted], formula, classes)
        for i, label in enumerate([None if formula == "f1_macro" else "", *classes]):
            other = classes[i % len(classes)]  # where the class itself is wanted, the next one is wrong
            said = [other if one == label else label for one in wanted]
            yield statistics_array(list(zip(wanted, said, strict=True)), formula, classes)
        return
    rows = np.array(references, float)
    if rule.by_rows and formula in ("auroc", "average_precision"):
        for sign in (1, -1):
            place = np.where(rows[:, 1] > 0, sign, -sign) * (1 + np.abs(known[:, 0]).max())
            yield np.stack([place, rows[:, 1]], axis=1)
        return
    for best in (True, False):
        found = [extreme(row, formula, best) for row in rows]
        yield None if any(one is None for one in found) else np.array(found)
    if formula == "f1" and rows[:, 1].all() and known[:, 1].all():  # of all classes: another one may have been said
        yield np.stack([0 * rows[:, 0], rows[:, 1], rows[:, 1]], axis=1)


def extreme(row: Any, formula: str, best: bool) -> Any:
    """The statistics that an item would have with a perfect answer, or (best false) with none that is right.

    By the reference's part of the statistics that any answer to it has: its length, its n-grams, its class. None where
    an answer has no best or worst: a likelihood, a score that is correlated.
    """
    import numpy as np

    if formula in ("ratio", "percent_ratio"):  # the worst: everything deleted, as by an empty answer
        return np.array([0.0 if best else row[1], row[1]])
    if formula == "bleu":
        most = np.maximum(row[9] - np.arange(4), 0)
        return np.array([*most, *most, row[9], row[9]]) if best else np.array([*[0.0] * 9, row[9]])
    if formula == "chrf":
        found = np.zeros_like(row)
        found[1::3] = row[1::3]
        if best:
            found[0::3] = found[2::3] = row[1::3]
        return found
    if formula == "f1":
        return np.array([row[1], row[1], row[1]]) if best else np.array([0.0, row[1], 1.0 if row[1] == 0 else 0.0])
    if FORMULAS[formula].labels:
        count = len(row) // 3
        wanted = row[count : 2 * count]
        return np.concatenate([wanted if best else 0 * wanted, wanted, wanted if best else 0 * wanted])
    return None


# --- parts/ranking/rank.py --------------------------------------------------------------------------------------------

DRAWS = 10_000
Z95 = 1.959964  # standard errors on both sides of a score that 95 % lie within


@dataclass(frozen=True, slots=True)
class Options:
    """How scores become one number."""

    benchmarks: tuple[str, ...] | None = None
    weights: Mapping[str, float] | None = None
    weight_digits: int | None = None
    score_function: Callable[[dict[str, float]], float] | None = None
    result_ids: frozenset[str] = frozenset()
    overall: str = "mean of the categories"
    allow_unlike: bool = False
    draws: int = DRAWS
    seed: int = 0
    smooth: int = 1
    tie_break: str | None = None
    baseline_step: int | None = None
    baseline_model: str | None = None


def union_of_tasks(chosen: Mapping[Checkpoint, Sequence[Result]]) -> dict[str, set[str]]:
    """Benchmark -> all of its tasks that were measured for any checkpoint."""
    union: dict[str, set[str]] = defaultdict(set)
    for results in chosen.values():
        for result in results:
            union[result.key].add(result.task)
    return union


def parts_by_key(results: Iterable[Result]) -> dict[str, set[str]]:
    """Benchmark -> the parts of it that were measured."""
    parts: dict[str, set[str]] = defaultdict(set)
    for result in results:
        parts[result.key].add(result.subtask)
    return parts


def missing_tasks(results: Sequence[Result], union: Mapping[str, set[str]]) -> list[str]:
    """The benchmarks that a checkpoint has not, or not whole."""
    own = {result.task for result in results}
    return sorted(key for key, tasks in union.items() if not tasks <= own)


def shared_benchmarks(chosen: Mapping[Checkpoint, Sequence[Result]]) -> tuple[set[str], list[str]]:
    """The benchmarks that every compared checkpoint has, whole; and a line for each that is left out."""
    union = union_of_tasks(chosen)
    holes: dict[str, list[str]] = defaultdict(list)
    for checkpoint, results in chosen.items():
        for key in missing_tasks(results, union):
            holes[key].append(checkpoint.name)
    lines = [
        f"{key} is left out of the ranking: not (fully) measured for {listing(names)}"
        for key, names in sorted(holes.items())
    ]
    return union.keys() - holes.keys(), lines


def rank_one(
    checkpoint: Checkpoint,
    scores: Mapping[str, Estimate],
    vocabulary: MetricMapping,
    options: Options,
    records: Sequence[str] = (),
) -> Ranked:
    """A checkpoint with its categories and its overall score."""
    categories = category_scores(scores, vocabulary)
    if options.score_function is not None:
        value = options.score_function({key: score.value for key, score in {**categories, **scores}.items()})
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ScriptError(f"--score-function returned {value!r} for {checkpoint.name}, not a finite number")
        return Ranked(checkpoint, float(value), None, scores, categories, tuple(records))
    if not categories:
        raise ScriptError(
            f"{listing(scores)} of {checkpoint.name} are of several kinds, none is a share of right answers: choose "
            "one with --benchmarks, or say how to rank with --score-function FILE.py",
            code=3,
        )
    overall = overall_score(categories, options.weights, options.weight_digits)
    return Ranked(checkpoint, overall.value, overall.standard_error, scores, categories, tuple(records), whole=overall)


def with_smoothing(ranked: Sequence[Ranked], n: int) -> list[Ranked]:
    """The checkpoints with their mean over the last n; the first n - 1 have none and cannot be chosen."""
    if n == 1:
        return list(ranked)
    if n > len(ranked):
        raise ScriptError(f"--smooth {n}: only {len(ranked)} checkpoints are compared; give a smaller number")
    scores = [r.eval_accuracy for r in ranked]
    done = list(ranked)
    for i in range(n - 1, len(ranked)):
        window = ranked[i + 1 - n : i + 1]
        ends = zip(*(r.reach or (r.eval_accuracy,) * 2 for r in window), strict=True)
        reach = tuple(math.fsum(end) / n for end in ends) if any(r.reach for r in window) else None
        done[i] = replace(ranked[i], smoothed=math.fsum(scores[i + 1 - n : i + 1]) / n, smoothed_reach=reach)
    return done


def choose_best(ranked: Sequence[Ranked]) -> tuple[Ranked, tuple[Ranked, ...]]:
    """The highest score; among equal ones the earliest, and the others as ties."""
    pool = candidates(ranked)
    top = max(r.ranks_by for r in pool)
    equal = [r for r in pool if math.isclose(r.ranks_by, top, rel_tol=1e-12, abs_tol=1e-12)]
    return equal[0], tuple(equal[1:])


def settled(ranking: Ranking, sizes: Mapping[str, int]) -> Ranking:
    """The ranking with its tied set, and with --tie-break the one of it that was asked for.

    sizes: bytes of weights by name, for `smallest`; where several are equally small, the best score among them.
    """
    best, tied = choose_best(ranking.ranked)
    pool = [best, *tied]
    if ranking.statistics:
        pool = [r for r in ranking.ranked if r.checkpoint.name in ranking.statistics.tied_set]
    names = {r.checkpoint.name for r in (*pool, *could_win(best, ranking.ranked))}
    pool = [r for r in ranking.ranked if r.checkpoint.name in names]
    if ranking.tie_break in ("earliest", "latest"):
        best = pool[0 if ranking.tie_break == "earliest" else -1]
    elif ranking.tie_break == "smallest":
        best = min(pool, key=lambda r: (sizes[r.checkpoint.name], -r.ranks_by))
    return replace(ranking, best=best, tied=tuple(r for r in pool if r is not best))


def rank_by_formula(
    checkpoints: Sequence[Checkpoint], skipped: Sequence[Skipped], vocabulary: MetricMapping, options: Options
) -> Ranking:
    """Rank by the reference scoring; only checkpoints with a positive step have one."""
    if options.baseline_step is not None:
        raise ScriptError("--baseline-step compares measured scores, and there are none; evaluate them first")
    keys = options.benchmarks or tuple(STEP_FORMULAS)
    unknown = [key for key in keys if key not in STEP_FORMULAS]
    if unknown:
        near = meant_instead(unknown, [*STEP_FORMULAS, *vocabulary.entries], vocabulary)
        raise ScriptError(f"the step formulas have no {listing(unknown)}{near}; they score: {', '.join(STEP_FORMULAS)}")
    without = [
        Skipped(c.name, "no positive step in its name: no step formula for it") for c in checkpoints if not c.step
    ]
    ranked = []
    for checkpoint in checkpoints:
        if checkpoint.step:
            scores = step_formula_scores(checkpoint.step)
            ranked.append(rank_one(checkpoint, {key: scores[key] for key in keys}, vocabulary, options))
    if not ranked:
        raise ScriptError(
            f"no measured scores, and no checkpoint has a positive step for the step formulas "
            f"({listing(s.name for s in without)}); evaluate them with scripts/lighteval_vllm_uv.py"
        )
    ranked = with_smoothing(ranked, options.smooth)
    best, tied = choose_best(ranked)
    return Ranking(
        "step-formula",
        options.overall,
        tuple(keys),
        tuple(ranked),
        best,
        tied,
        (*skipped, *without),
        smooth=options.smooth,
        tie_break=options.tie_break,
    )


def choose_measured(
    checkpoints: Sequence[Checkpoint],
    results: Mapping[Checkpoint, Sequence[Result]],
    failures: Sequence[dict[str, Any]],
    vocabulary: MetricMapping,
    options: Options,
) -> tuple[dict[Checkpoint, list[Result]], list[Skipped], list[str], dict[Checkpoint, list[Result]]]:
    """The results that count for each checkpoint that has some, in step order; those left out; what is said; and the
    results of those that lack one of the chosen benchmarks."""
    chosen, left = {}, []
    wanted = wanted_keys(options.benchmarks, results, vocabulary) if options.benchmarks else None
    ids = asked_results(options.result_ids, results)
    results, lines = one_content(
        {c: [r for r in rows if wanted is None or r.key in wanted] for c, rows in results.items() if rows}
    )
    failed = Counter(failure["checkpoint"] for failure in failures)
    for checkpoint in checkpoints:
        if rows := results.get(checkpoint):
            chosen[checkpoint] = chosen_results(rows, checkpoint.name, vocabulary, ids)
        else:
            why = f" ({failed[checkpoint.name]} failed)" if failed[checkpoint.name] else ""
            left.append(Skipped(checkpoint.name, f"no measured score{why}"))
    if not chosen:
        raise ScriptError("the records hold no score for these checkpoints; evaluate them again")
    measured = dict(chosen)
    dropped = drop_incomplete(chosen) if options.benchmarks else {}
    for checkpoint, missing in dropped.items():
        left.append(Skipped(checkpoint.name, f"not (fully) measured: {', '.join(missing)}"))
    lines += [] if ids else passed_over_lines(results, chosen)
    return chosen, left, lines, {c: measured[c] for c in dropped}


def rank_by_records(
    chosen: Mapping[Checkpoint, Sequence[Result]],
    samples: Mapping[Checkpoint, Mapping[str, Samples]],
    vocabulary: MetricMapping,
    options: Options,
    dropped: Mapping[Checkpoint, Sequence[Result]] = MappingProxyType({}),
) -> Ranking:
    """Rank by measured scores over the benchmarks that all compared checkpoints share (or that --benchmarks names).

    dropped: results of checkpoints that lack some of these benchmarks.
    """
    shared, notes = shared_benchmarks(chosen)
    check_rankable(chosen, shared, options)
    unlike = unlike_checkpoints(chosen, samples, shared, options.allow_unlike, options.baseline_model)
    out = set() if options.allow_unlike else {entry.checkpoint for entry in unlike}
    alike = {checkpoint: rows for checkpoint, rows in chosen.items() if checkpoint not in out}
    check_one_scale([[r for r in rows if r.key in shared] for rows in alike.values()])
    ranked = [rank_measured(checkpoint, rows, shared, vocabulary, options) for checkpoint, rows in alike.items()]
    parts = parts_by_key(r for rows in chosen.values() for r in rows)
    notes += filter(None, [incomplete_line(key, parts[key], vocabulary) for key in sorted(shared)])
    apart = {} if options.score_function else left_apart(ranked[0], shared, vocabulary)
    notes += [f"not in eval_accuracy: {', '.join(apart.values())}"] if apart else []
    base = ranked_base(ranked, unlike, options.baseline_model)
    ranked = with_smoothing([r for r in ranked if r is not base], options.smooth)
    best, tied = choose_best(ranked)
    ahead = [] if options.allow_unlike else ahead_of_best(unlike, chosen, shared, vocabulary, options, best)
    rivals = {r.checkpoint: chosen[r.checkpoint] for r in ranked}
    lacks = missing_tasks(chosen[best.checkpoint], union_of_tasks(rivals))
    for checkpoint, rows in {**dropped, **wider(rivals, shared, [best, *tied])}.items():
        ahead += ahead_on_part(checkpoint, rows, chosen[best.checkpoint], vocabulary, options)
    notes += [*document_lines(chosen, shared), *loss_lines(chosen, ranked), *remark_lines(chosen, shared)]
    notes += twin_lines(chosen, shared)
    counted = [result.run for rows in chosen.values() for result in rows if result.key in shared]
    notes += [*several_runs_line(ranked), *chance_lines(counted), *own_entries(vocabulary.entries, shared)]
    return Ranking(
        "measured",
        options.overall,
        tuple(sorted(shared - apart.keys())),
        tuple(ranked),
        best,
        tied,
        (),
        tuple(notes),
        left_out=tuple(apart.values()),
        harnesses=tuple(sorted({" ".join(r.run.harness) for rows in alike.values() for r in rows})),
        unlike=tuple(unlike),
        ahead=tuple(ahead),
        lacks=tuple(lacks),
        allow_unlike=options.allow_unlike,
        smooth=options.smooth,
        tie_break=options.tie_break,
        base=base,
        partial="; ".join(partial_lines(counted)),
    )


def document_lines(chosen: Mapping[Checkpoint, Sequence[Result]], shared: set[str]) -> list[str]:
    """Which of the scores were read in a document, where nobody has measured anything here."""
    told = {c: sorted({r.key for r in rows if r.key in shared and not r.run.measured}) for c, rows in chosen.items()}
    found = [f"{checkpoint.name} ({listing(keys, 3)})" for checkpoint, keys in told.items() if keys]
    return [f"not measured, but read in a document: {listing(found)}"] if found else []


def check_rankable(chosen: Mapping[Checkpoint, Sequence[Result]], shared: set[str], options: Options) -> None:
    """ScriptError(code=3) where no benchmark is shared, or nothing says which way of a shared one is better."""
    if not shared:
        keys = sorted(union_of_tasks(chosen))
        raise ScriptError(
            f"no benchmark is measured for all {len(chosen)} compared checkpoints; choose with --benchmarks from "
            f"{listing(keys, 20)} (checkpoints without the chosen ones are then left out)",
            code=3,
        )
    for result in (r for rows in chosen.values() for r in rows if r.key in shared and not r.run.directed):
        if not options.score_function:
            raise ScriptError(
                f"{result.file}: nothing says whether more {result.metric} of {result.key} is better; leave it out "
                "with --benchmarks, or rank with --score-function FILE.py, which says it",
                code=3,
            )


def check_one_scale(kept: Sequence[Sequence[Result]]) -> None:
    """ScriptError(code=3) where the ranked scores of a task are on several scales."""
    if lines := [line for rows in kept[1:] for line in other_scales(rows, kept[0])]:
        raise ScriptError(
            f"scores on several scales cannot be ranked, whatever is allowed: {listing(lines, 3)}", code=3
        )


def left_apart(ranked: Ranked, shared: set[str], vocabulary: MetricMapping) -> dict[str, str]:
    """Which of the shared benchmarks do not enter eval_accuracy, and why; ScriptError(code=3) where a unit that no
    record says decides it."""
    apart = uncounted(ranked.scores, ranked.categories, vocabulary)
    placed = [key for key in shared if vocabulary.category(key)] or shared  # those that a known unit would let count
    if unclear := [key for key in apart if key in placed and ranked.scores[key].unit == "unknown"]:
        rest = ",".join(sorted(shared - apart.keys()))
        alone = f", rank over the others alone ({option_words('--benchmarks', rest)})" if rest else ""
        raise ScriptError(
            f"measured for all, but no record says the unit of {listing(unclear)}: convert its files again "
            f"(convert_results.py){alone}, or rank with --score-function FILE.py",
            code=3,
        )
    return apart


def ranked_base(ranked: Sequence[Ranked], unlike: Sequence[Unlike], name: str | None) -> Ranked | None:
    """The model of --baseline-model among the ranked; ScriptError(code=3) where it was not measured as they were."""
    base = next((r for r in ranked if r.checkpoint.name == name), None)
    if name and base is None:
        why = next((entry.reasons for entry in unlike if entry.checkpoint.name == name), ())
        raise ScriptError(
            f"--baseline-model {name} was not measured as the checkpoints were: {'; '.join(why)}; "
            "measure it alike, or compare all the same with --allow-unlike",
            code=3,
        )
    return base


def ahead_of_best(
    unlike: Sequence[Unlike],
    chosen: Mapping[Checkpoint, Sequence[Result]],
    shared: set[str],
    vocabulary: MetricMapping,
    options: Options,
    best: Ranked,
) -> list[Ahead]:
    """What is not ranked although the score that it reports is the better one, or not shown to be worse."""
    found, alike = [], [result for result in chosen[best.checkpoint] if result.key in shared]
    for entry in unlike:
        if lines := other_scales(chosen[entry.checkpoint], alike):
            score = next(r.run.score for r in chosen[entry.checkpoint] if r.key in shared)
            remedy = "write its unit into its record, or measure it as the others were"
            found.append(Ahead(entry.checkpoint.name, score, f"{OTHER_SCALE}: {listing(lines, 3)}", remedy))
            continue
        with contextlib.suppress(ScriptError):  # what was measured so differently has no score to set beside the best's
            own = rank_measured(entry.checkpoint, chosen[entry.checkpoint], shared, vocabulary, options)
            lead = best.sign * (own.eval_accuracy - best.eval_accuracy)
            if own.sign == best.sign and lead > -error_of_difference(own, best):
                rows = [result for result in chosen[entry.checkpoint] if result.key in shared]
                invalid = invalid_runs(rows)
                remedy = remedy_of(rows) if invalid else "measure it as the others were"
                why = listing(invalid or entry.reasons, 2)
                found.append(
                    Ahead(
                        *(entry.checkpoint.name, own.eval_accuracy, why, remedy),
                        standard_error=own.standard_error,
                        within=lead <= 0,
                    )
                )
    return found


def error_of_difference(own: Ranked, best: Ranked) -> float:
    """By how much two scores that were measured apart can differ by chance (95 %); 0 where an error is not known."""
    errors = own.standard_error, best.standard_error
    return 0.0 if None in errors else Z95 * math.hypot(*errors)


def wider(
    rivals: Mapping[Checkpoint, Sequence[Result]], shared: set[str], leading: Sequence[Ranked]
) -> dict[Checkpoint, Sequence[Result]]:
    """The checkpoints, other than those that lead, with what they have of benchmarks that not all have."""
    first = {r.checkpoint for r in leading}
    return {c: rows for c, rows in rivals.items() if c not in first and {r.key for r in rows} - shared}


def ahead_on_part(
    checkpoint: Checkpoint,
    results: Sequence[Result],
    best: Sequence[Result],
    vocabulary: MetricMapping,
    options: Options,
) -> list[Ahead]:
    """A checkpoint that is not measured on all that is ranked, where it reports a better score on what it has."""
    tasks = {result.task for result in best} & {result.task for result in results}
    keys = {result.key for result in results if result.task in tasks}
    with contextlib.suppress(ScriptError):
        its, own = (
            rank_measured(checkpoint, [row for row in rows if row.task in tasks], keys, vocabulary, options)
            for rows in (best, results)
        )
        if own.sign == its.sign and own.sign * own.eval_accuracy > its.sign * its.eval_accuracy:
            over = f"on {listing(sorted(keys))}, where that has {number(its.eval_accuracy)}"
            missing = listing(sorted({result.task for result in best} - tasks))
            why = f"not measured: {missing}" if missing else "not all have these"
            return [Ahead(checkpoint.name, own.eval_accuracy, why, f"measure {missing or 'them for all'}", over)]
    return []


def rank_measured(
    checkpoint: Checkpoint,
    results: Sequence[Result],
    shared: set[str],
    vocabulary: MetricMapping,
    options: Options,
) -> Ranked:
    """A checkpoint with its scores over the shared benchmarks, and the others apart."""
    tasks, weights = scores_by_task(results), weights_of_tasks(results, vocabulary)
    scores = {
        key: mean_score(list(own.values()), [weights[task] for task in own]) for key, own in sorted(tasks.items())
    }
    common = {key: score for key, score in scores.items() if key in shared}
    rest = {key: score for key, score in scores.items() if key not in shared}
    lines = {key: incomplete_line(key, parts, vocabulary) for key, parts in sorted(parts_by_key(results).items())}
    files = sorted({r.file for r in results})
    ranked = rank_one(checkpoint, common, vocabulary, options, files)
    again = [result for result in results if result.key in shared]
    reach = reach_of_losses(
        again, ranked.sign, lambda moved: rank_measured(checkpoint, moved, shared, vocabulary, options)
    )
    return replace(
        ranked,
        unranked=rest,
        tasks={key: tasks[key] for key in common},
        part_weights=weights,
        reach=reach,
        incomplete={key: line for key, line in lines.items() if line},
    )


def reach_of_losses(
    results: Sequence[Result], sign: int, rank: Callable[[Sequence[Result]], Ranked]
) -> tuple[float, float] | None:
    """eval_accuracy with all lost attempts wrong, and all right; None where none was lost, infinite without bounds."""
    if not any(result.attempts.lost for result in results):
        return None
    found = [possible_ends(result) for result in results]
    if None in found:
        return -sign * math.inf, sign * math.inf
    ends = []
    for end in (0, 1):
        moved = [
            replace(result, run=replace(result.run, score=own[end]), attempts=Attempts(None, 0))
            for result, own in zip(results, found, strict=True)
        ]
        ends.append(rank(moved).eval_accuracy)
    return ends[0], ends[1]


def possible_ends(result: Result) -> tuple[float, float] | None:
    """(worst, best) score of a result, its lost attempts being wrong or right; None where nothing bounds it."""
    run, samples = result.run, result.samples
    if not result.attempts.lost:
        return run.score, run.score
    if run.corpus_level:
        if samples is None or not samples.formula or None in samples.lost or len(samples.lost) < result.attempts.lost:
            return None
        known, lost = [one for one in samples.statistics if one is not None], samples.lost
        ends = possible_scores(known, lost, [1] * len(lost), 1, samples.formula, [*known, *lost])
        return None if ends is None else tuple(run.scale * one for one in ends)[:: -1 if run.lower_is_better else 1]
    if result.ends is not None:
        return result.ends[:: -1 if run.lower_is_better else 1]
    return score_bounds(run.score, result.attempts, *attempt_ends(run), run.lower_is_better, run.n)


def remark_lines(chosen: Mapping[Checkpoint, Sequence[Result]], shared: set[str]) -> list[str]:
    """What the gate remarks about the ranked results, each remark once with the checkpoints that it is about."""
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for checkpoint, results in chosen.items():
        for result in results:
            for remark in result.run.validity.remarks if result.key in shared else ():
                found[f"{result.task}: {remark}"][checkpoint.name] = None
    return [f"{remark} ({listing(names)})" for remark, names in sorted(found.items())]


def twin_lines(chosen: Mapping[Checkpoint, Sequence[Result]], shared: set[str]) -> list[str]:
    """Checkpoints whose weights are byte for byte the same and whose scores are not."""
    found: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    for checkpoint, results in chosen.items():
        for result in results:
            if result.key in shared and result.run.identity.weights:
                found[result.run.identity.weights, result.task][checkpoint.name] = result.score.value
    twins: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for (_, task), scores in found.items():
        if len(scores) > 1 and max(scores.values()) - min(scores.values()) > ROUNDED:
            twins[tuple(scores)].append(f"{task} {', '.join(map(number, scores.values()))}")
    return [
        f"{listing(names)} have byte-identical weights and unlike scores ({listing(tasks, 3)}): one record is of "
        "other weights, or of another configuration or tokenizer, or the measurement does not repeat itself"
        for names, tasks in twins.items()
    ]


def several_runs_line(ranked: Sequence[Ranked]) -> list[str]:
    """That the ranked checkpoints lie in the folders of several runs, where they do."""
    runs = run_folders(r.checkpoint for r in ranked)
    if len(runs) < 2:
        return []
    folders = listing(os.path.relpath(run, os.path.commonpath(runs)) for run in runs)
    return [f"the checkpoints are of several runs ({folders}): no trend goes over them; one run's: give its folder"]


def loss_lines(chosen: Mapping[Checkpoint, Sequence[Result]], ranked: Sequence[Ranked]) -> list[str]:
    """What is said of lost attempts: how many of each checkpoint, and the bounds of what ranks it."""
    lines = []
    for r in ranked:
        if r.reach is not None:
            texts = [
                f"{result.task}: {attempts_text(result.run.counts, result.attempts)}"
                for result in chosen[r.checkpoint]
                if result.attempts.lost
            ]
            low, high = (number(value) for value in r.reach)
            ends = f"{r.metric} {low} with all of them wrong, {high} with all right"
            ends = ends if math.isfinite(r.reach[0]) else "nothing bounds what they could change"
            lines.append(f"{r.checkpoint.name}: {listing(texts, 3)}; {ends}")
    return lines


def weights_of_tasks(results: Sequence[Result], vocabulary: MetricMapping) -> dict[str, float]:
    """Task -> its weight in its benchmark's score, as the harness joins the parts."""
    by_key: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        by_key[result.key].append(result)
    return {
        result.task: weight
        for rows in by_key.values()
        for result, weight in zip(rows, part_weights([row.run for row in rows], vocabulary), strict=True)
    }


def asked_results(wanted: Iterable[str], results: Mapping[Checkpoint, Sequence[Result]]) -> set[str]:
    """The results that --result-id names; ScriptError for one that no record has."""
    return set(named_results(wanted, (r.result_id for rows in results.values() for r in rows)))


def wanted_keys(
    benchmarks: Sequence[str], results: Mapping[Checkpoint, Sequence[Result]], vocabulary: MetricMapping
) -> set[str]:
    """The benchmark keys that a choice stands for: a category also means its measured benchmarks."""
    measured = {r.key for rows in results.values() for r in rows}
    benchmarks = [own_key(name, measured) for name in benchmarks]
    wanted = {key for key in measured if key in benchmarks or vocabulary.category(key) in benchmarks}
    empty = [key for key in benchmarks if key not in wanted and key not in map(vocabulary.category, wanted)]
    if empty:
        near = meant_instead(empty, [*measured, *vocabulary.entries], vocabulary)
        raise ScriptError(
            f"--benchmarks: no record for {listing(empty)}{near}; measured are {listing(sorted(measured), 20)}"
        )
    return wanted


def meant_instead(names: Sequence[str], there: Sequence[str], vocabulary: MetricMapping) -> str:
    """' (did you mean a?)' for the first name that is of no known benchmark."""
    unknown = [name for name in names if name not in vocabulary.entries]
    return nearest(unknown[0], there) if unknown else ""


def drop_incomplete(chosen: dict[Checkpoint, list[Result]]) -> dict[Checkpoint, list[str]]:
    """Take out the checkpoints that lack one of the chosen benchmarks; which these are, of each."""
    union = union_of_tasks(chosen)
    dropped = {c: missing for c, results in chosen.items() if (missing := missing_tasks(results, union))}
    for checkpoint in dropped:
        del chosen[checkpoint]
    if not chosen:
        raise ScriptError("no checkpoint has all of the chosen benchmarks; choose fewer with --benchmarks", code=3)
    return dropped


# --- parts/ranking/certainty.py ---------------------------------------------------------------------------------------

SPLITS = 200  # random halves of the items, each used both ways


@dataclass(frozen=True)
class TaskData:
    """One task over the compared checkpoints: its items, or its scores with standard errors where there are none."""

    name: str
    items: ItemScores | None
    scores: tuple[float, ...]
    errors: tuple[float, ...] | None
    estimates: tuple[Estimate, ...]
    one_group: bool = False  # whether there are items, which cannot be resampled: all of them belong together

    @property
    def known(self) -> bool:
        """Whether there is anything to tell how far the scores could be off."""
        return self.items is not None or self.errors is not None

    def draws(self, draws: int, seed: int) -> Any:
        """Draws of the scores, (checkpoints, draws); a task's draws do not depend on what other tasks there are."""
        key = [seed, zlib.crc32(self.name.encode())]
        if self.items is not None and self.items.formula:
            return corpus_scores_drawn(self.items, draws, key)
        if self.items is not None:
            return bootstrap_means(self.items, draws, key)
        return normal_means(self.scores, self.error_root, draws, key)

    def halves(self, splits: int, seed: int) -> Any:
        """The scores on halves of the items, (2, checkpoints, 2 splits)."""
        key = [seed, zlib.crc32(self.name.encode()), 1]
        if self.items is not None and self.items.formula:
            return corpus_scores_halved(self.items, splits, key)
        if self.items is not None:
            return half_means(self.items, splits, key)
        return normal_halves(self.scores, self.error_root, splits, key)

    @cached_property
    def gaps(self) -> dict[tuple[int, int], VoteGap]:
        """What one file of votes tells of each two scores; see gap_in_votes."""
        votes = [] if self.items is not None else [(i, e.votes) for i, e in enumerate(self.estimates) if e.votes]
        pairs = (((i, one), (j, two)) for i, one in votes for j, two in votes if j < i)
        return {(i, j): gap for (i, one), (j, two) in pairs if (gap := gap_in_votes(one, two)) is not None}

    @property
    def freedom(self) -> float:
        """Degrees of freedom of the errors: few raters or prompts tell little of how far they differ."""
        return min((gap.freedom for gap in self.gaps.values()), default=math.inf)

    @cached_property
    def error_root(self) -> Any:
        """The standard errors; of scores from one file of votes a root of their covariance, as much wider as Student's
        t is."""
        import numpy as np

        errors, tail = np.array(self.errors), (1 - CONFIDENCE) / 2
        if not self.gaps:
            return errors
        covariance = np.diag(errors**2)
        for (i, j), gap in self.gaps.items():
            covariance[i, j] = covariance[j, i] = (errors[i] ** 2 + errors[j] ** 2 - gap.error**2) / 2
        values, vectors = np.linalg.eigh(covariance)
        stretch = float(critical_value(tail, self.freedom) / critical_value(tail))
        return stretch * vectors * np.sqrt(np.maximum(values, 0))

    def own_scores(self, place: int, window: int = 1) -> tuple[Any, list[Any]]:
        """(scores, what they share: clusters, raters) of the items that a checkpoint, and the `window` - 1 before it,
        were scored on."""
        import numpy as np

        scores = self.items.scores[place + 1 - window : place + 1].mean(0)
        known = ~np.isnan(scores)
        return scores[known], [way[known] for way in self.ways]

    @property
    def ways(self) -> list[Any]:
        """What items may share: clusters, raters."""
        return [way for way in (self.items.clusters, self.items.raters) if way is not None]

    @cached_property
    def complete(self) -> bool:
        """Whether every checkpoint has a score of every item."""
        import numpy as np

        return self.items is not None and not self.items.formula and not np.isnan(self.items.scores).any()

    @cached_property
    def means(self) -> list[BoundedMean | None]:
        """How far off each checkpoint's score may be; see `mean`. Those of complete items are found at once."""
        import numpy as np

        if not self.complete:
            return [self.mean(place, 1) for place in range(len(self.scores))]
        scores, found = self.items.scores, [None] * len(self.scores)
        usable = np.array([e.averages for e in self.estimates]) & (scores.min(1) >= 0) & (scores.max(1) <= 1)
        counted = ((scores == 0) | (scores == 1)).all(1)
        for places in (np.flatnonzero(usable & counted), np.flatnonzero(usable & ~counted)):
            all_of = mean_of(scores[places], self.ways) if len(places) else None
            for i, place in enumerate(places):
                found[place] = BoundedMean(all_of.value[i], all_of.factor[i], all_of.widest, all_of.freedom)
        return found

    @cached_property
    def ends(self) -> dict[int, tuple[float, float]]:
        """The 95 % interval of each score in `means`, by the checkpoint's place."""
        import numpy as np

        known = {place: mean for place, mean in enumerate(self.means) if mean is not None}
        fields = [(mean.value, mean.factor, mean.widest, mean.freedom) for mean in known.values()]
        ends = BoundedMean(*np.array(fields, float).reshape(-1, 4).T).interval()
        return dict(zip(known, zip(*(end.tolist() for end in ends), strict=True), strict=True))

    @cached_property
    def counts(self) -> list[int]:
        """How many clusters all items are in, for each way of sharing."""
        return cluster_counts(self.ways, len(self.items.clusters))

    def mean(self, place: int, window: int = 1) -> BoundedMean | None:
        """How far off a checkpoint's score may be (the mean of the last `window` ones); None for scores without a range
        of 0 to 1, and where nothing tells."""
        own = self.estimates[place + 1 - window : place + 1]
        if not all(estimate.averages for estimate in own) or (self.items is not None and self.items.formula):
            return None
        if self.items is not None:
            scores, ways = self.own_scores(place, window)
            return mean_of(scores, ways) if scores.min() >= 0 and scores.max() <= 1 else None
        found = [
            mean_from_error(estimate.value, estimate.standard_error, estimate.n, self.freedom)
            for estimate in own
            if estimate.standard_error is not None and 0 <= estimate.value <= 1
        ]
        return (
            mean_of_means([(1 / window, mean) for mean in found])
            if len(found) == window and None not in found
            else None
        )


def several(items: ItemScores) -> bool:
    """Whether every checkpoint has at least two clusters of items, and raters, without which no spread is known."""
    import numpy as np

    ways = [way for way in (items.clusters, items.raters) if way is not None]
    return all(len(np.unique(way[row])) > 1 for row in ~np.isnan(items.scores) for way in ways)


def task_data(ranked: Sequence[Ranked], items: Mapping[str, ItemScores]) -> dict[str, list[TaskData]]:
    """Benchmark -> its tasks; the rows of `items` are the checkpoints of `ranked`."""
    data: dict[str, list[TaskData]] = {}
    for key, tasks in ranked[0].tasks.items():
        data[key] = []
        for task in sorted(tasks):
            estimates = [r.tasks[key][task] for r in ranked]
            own = items.get(task)
            one_group = own is not None and not several(own)
            errors = tuple(e.standard_error for e in estimates)
            known, scores = None if None in errors else errors, tuple(e.value for e in estimates)
            data[key].append(TaskData(task, None if one_group else own, scores, known, tuple(estimates), one_group))
    return data


def named_means(
    data: Mapping[str, Sequence[TaskData]], members: Mapping[str, Sequence[str]], make: Callable[[TaskData], Any]
) -> Iterator[tuple[str, Any]]:
    """(name, array) of each benchmark and then its category, one after the other, from an array for each task."""
    for category, keys in members.items():
        of_category: Any = None
        for key in keys:
            mean: Any = None
            for task in data[key]:
                mean = added(mean, make(task), len(data[key]))
            if keys != [category]:
                yield key, mean
            of_category = added(of_category, mean, len(keys))
        yield category, of_category


def added(total: Any, array: Any, count: int) -> Any:
    """The total, None at first, and one of `count` arrays of whose mean it is; large arrays are not copied for a 1."""
    share = array if count == 1 else array / count
    return share if total is None else total + share


def overall_array(named: Iterable[tuple[str, Any]], weights: Mapping[str, float], options: Options) -> Any:
    """eval_accuracy of every place of the arrays; with --score-function, what it says for each."""
    import numpy as np

    if options.score_function is None:
        total: Any = 0.0
        for name, array in named:
            if name in weights:  # a category: what made its array is done with it
                array *= weights[name]
                total = np.add(total, array, out=array if array.dtype == np.result_type(total, array) else None)
        return total
    arrays = dict(named)
    places = next(iter(arrays.values())).shape
    columns = zip(*(array.ravel().tolist() for array in arrays.values()), strict=True)
    values = (options.score_function(dict(zip(arrays, row, strict=True))) for row in columns)
    return np.fromiter((float(value) for value in values), float).reshape(places)


def category_weights(members: Mapping[str, Sequence[str]], weights: Mapping[str, float] | None) -> dict[str, float]:
    """Category -> its share of eval_accuracy; they add up to 1."""
    own = {key: 1.0 if weights is None else weights[key] for key in members}
    total = math.fsum(own.values())
    return {key: weight / total for key, weight in own.items()}


def task_weights(tasks: Iterable[str], vocabulary: MetricMapping, options: Options, ranked: Ranked) -> dict[str, float]:
    """Task -> its weight in eval_accuracy; they add up to 1, and tasks that do not enter are absent."""
    members = category_members(ranked.scores, vocabulary)
    shares = category_weights(members, options.weights)
    weights = {}
    for category, keys in members.items():
        for key in keys:
            own = ranked.tasks[key]
            for task in own:
                weights[task] = shares[category] / len(keys) * ranked.part_weights.get(task, 1 / len(own))
    return {task: weights[task] for task in tasks if task in weights}


def own_interval(task: TaskData, place: int) -> Interval | None:
    """The interval of one task's score: of its items, else of its standard error."""
    mean, estimate = task.means[place], task.estimates[place]
    if task.items is not None and task.items.formula:
        return corpus_interval(task.items, place)
    if mean is not None:
        words = ", from the standard error"
        if task.items is not None:
            scores, ways = (task.items.scores[place], ()) if task.complete else task.own_scores(place)
            counts = task.counts if task.complete else cluster_counts(ways, len(scores))
            if min(counts) < 2:
                return None
            words = shared_text(counts, len(scores))
        return Interval(*task.ends[place], method_of_mean(mean) + words)
    if task.items is not None:
        scores, ways = task.own_scores(place)
        found = score_interval(scores, ways, None, None)
        return None if found is None else Interval(*found)
    if not estimate.standard_error:
        return None
    half = float(critical_value((1 - CONFIDENCE) / 2, task.freedom)) * estimate.standard_error
    name = "normal" if math.isinf(task.freedom) else "Student t"
    return Interval(estimate.value - half, estimate.value + half, f"{name}, from the standard error")


def interval_of(mean: BoundedMean, words: str = "") -> Interval:
    """The 95 % interval of a score between 0 and 1."""
    low, high = mean.interval()
    return Interval(float(low), float(high), method_of_mean(mean) + words)


def weighted(parts: Sequence[tuple[float, BoundedMean | None]]) -> BoundedMean | None:
    """The weighted mean of scores, or None where one of them is not known."""
    return None if not parts or any(mean is None for _, mean in parts) else mean_of_means(parts)


def composed_means(
    data: Mapping[str, Sequence[TaskData]], members: Mapping[str, Sequence[str]], place: int, window: int = 1
) -> dict[str, BoundedMean | None]:
    """How far off the benchmarks and the categories of a checkpoint may be (means over the last `window` ones)."""
    found = {
        key: weighted(
            [(1 / len(tasks), task.means[place] if window == 1 else task.mean(place, window)) for task in tasks]
        )
        for key, tasks in data.items()
    }
    return found | {
        name: weighted([(1 / len(keys), found.get(key)) for key in keys])
        for name, keys in members.items()
        if list(keys) != [name]
    }


def with_intervals(
    r: Ranked, place: int, data: Mapping[str, Sequence[TaskData]], members: Mapping[str, Sequence[str]]
) -> Ranked:
    """A checkpoint with an interval for each benchmark and category."""
    means = composed_means(data, members, place)

    def interval(name: str) -> Interval | None:
        tasks = data[members[name][0]] if len(members.get(name, ())) == 1 else data.get(name, ())
        if len(tasks) == 1:
            return own_interval(tasks[0], place)
        return interval_of(means[name], " of the parts") if means.get(name) is not None else None

    scores = {key: replace(score, interval=interval(key) if key in data else None) for key, score in r.scores.items()}
    categories = {name: replace(score, interval=interval(name)) for name, score in r.categories.items()}
    return replace(r, scores=scores, categories=categories)


def unknown_tasks(data: Mapping[str, Sequence[TaskData]], ranked: Sequence[Ranked]) -> list[str]:
    """The tasks that nothing tells the uncertainty of, with the checkpoints that lack it."""
    lines = []
    for key, tasks in data.items():
        for task in tasks:
            if not task.known:
                without = [r.checkpoint.name for r in ranked if r.tasks[key][task.name].standard_error is None]
                lines.append(f"{task.name} of {listing(without, 3)}")
    return lines


def with_statistics(
    ranking: Ranking, items: Mapping[str, ItemScores], vocabulary: MetricMapping, options: Options
) -> Ranking:
    """The ranking with intervals, and with how sure it is as far as the items or the standard errors tell.

    The rows of `items` are the compared checkpoints, `ranking.ranked`, and below them the base model if there is one.
    """
    import numpy as np

    ranked = [*ranking.ranked, *([ranking.base] if ranking.base else [])]
    data = task_data(ranked, items)
    members = category_members(ranked[0].scores, vocabulary)
    counted = {key for keys in members.values() for key in keys}
    if options.score_function is not None:
        members |= {key: [key] for key in data if key not in counted}
        counted |= data.keys()
    unknown = unknown_tasks({key: data[key] for key in data if key in counted}, ranked)
    if unknown:
        reason = f"neither samples nor a standard error: {listing(unknown)}"
        if options.baseline_step is not None:
            raise ScriptError(f"--baseline-step {options.baseline_step}: no statistics for a difference: {reason}")
        if options.baseline_model is not None:
            raise ScriptError(f"--baseline-model {options.baseline_model}: no statistics for a difference: {reason}")
        done = [with_intervals(r, place, data, members) for place, r in enumerate(ranked)]
        return replace(ranking, ranked=tuple(done), no_statistics=reason)
    weights = {} if options.score_function else category_weights(members, options.weights)
    draws = overall_array(
        named_means(data, members, lambda task: task.draws(options.draws, options.seed)), weights, options
    )
    halves = overall_array(named_means(data, members, lambda task: task.halves(SPLITS, options.seed)), weights, options)
    done = []
    for place, r in enumerate(ranked):
        whole = overall_interval(r, place, data, members, weights, draws, 1)
        done.append(
            replace(with_intervals(r, place, data, members), interval=whole, distribution=distribution(r, place, data))
        )
    tasks = [task for key in data if key in counted for task in data[key]]
    base = done.pop() if ranking.base else None
    intervals = [r.interval for r in done]
    if options.smooth > 1:
        smoothed = trailing_means(draws, options.smooth)
        intervals = [
            overall_interval(r, place, data, members, weights, smoothed, options.smooth)
            for place, r in enumerate(done[options.smooth - 1 :], options.smooth - 1)
        ]
    sign = done[0].sign
    shares = {task.name: 1 / len(tasks) for task in tasks}
    if not options.score_function:
        shares |= task_weights([task.name for task in tasks], vocabulary, options, ranked[0])
    few = few_items(ranked, data, members, weights, tasks, shares, options.smooth)
    statistics = standings(done, sign * np.asarray(draws), sign * np.asarray(halves), intervals, options, few, base)
    statistics = statistics if sign > 0 else as_measured(statistics)
    return replace(ranking, ranked=tuple(done), statistics=statistics, base=base)


def few_items(
    ranked: Sequence[Ranked],
    data: Mapping[str, Sequence[TaskData]],
    members: Mapping[str, Sequence[str]],
    weights: Mapping[str, float],
    tasks: Sequence[TaskData],
    shares: Mapping[str, float],
    window: int,
) -> FewItems:
    """What is known of pairs of checkpoints where few items differ: those that can be chosen, then the base model."""
    places = range(window - 1, len(ranked))
    parts = [(name, weight) for name, weight in weights.items() if weight]
    means = []
    for place in places if any(task.items is None or task.items.formula for task in tasks) else ():
        own = composed_means(data, members, place, window)
        means.append(weighted([(weight, own.get(name)) for name, weight in parts]))
    rows = [slice(place + 1 - window, place + 1) for place in places]
    return FewItems(tasks, shares, rows, means or [None] * len(rows))


def overall_interval(
    r: Ranked,
    place: int,
    data: Mapping[str, Sequence[TaskData]],
    members: Mapping[str, Sequence[str]],
    weights: Mapping[str, float],
    draws: Any,
    window: int,
) -> Interval:
    """The interval of a checkpoint's eval_accuracy (its mean over the last `window` ones): from that of its parts, or
    with --score-function from the draws, whose first row belongs to the place `window` - 1."""
    parts = [(name, weight) for name, weight in weights.items() if weight]
    if len(parts) == 1 and window == 1:  # eval_accuracy is this one score
        name = parts[0][0]
        tasks = data[members[name][0]]
        if len(members[name]) == 1 and len(tasks) == 1:
            return own_interval(tasks[0], place)
    means = composed_means(data, members, place, window)
    mean = weighted([(weight, means.get(name)) for name, weight in parts])
    if mean is not None:
        return interval_of(mean, " of the parts")
    low, high = draw_interval(draws[place + 1 - window : place + 2 - window])[:, 0]
    return Interval(float(low), float(high), "percentiles of the draws")


def standings(
    ranked: Sequence[Ranked],
    draws: Any,
    halves: Any,
    intervals: Sequence[Interval],
    options: Options,
    few: FewItems,
    base: Ranked | None = None,
) -> Statistics:
    """How sure the places are; draws (checkpoints, draws) and halves (2, checkpoints, splits) of eval_accuracy, turned
    round where less is better, as all numbers in the result then are.

    The rows below those of `ranked` are the base model's.
    """
    import numpy as np

    count = len(ranked)
    of_base, base_halves = draws[count:], halves[:, count:]
    raw, draws, halves = draws[:count], draws[:count], halves[:, :count]
    pool = candidates(ranked)
    scores = np.array([r.ranks_by for r in pool])
    draws = trailing_means(draws, options.smooth)
    halves = trailing_means(halves.swapaxes(0, 1), options.smooth).swapaxes(0, 1)
    p_values = confidence_set(scores, draws, few.p_value)
    best = choose_best(ranked)[0]
    top, rivals = next(i for i, r in enumerate(pool) if r is best), could_win(best, ranked)
    by_chance, off = p_values >= 1 - CONFIDENCE, np.array([r.ends for r in pool]).T - scores
    in_set = [r in rivals for r in pool] | by_chance | leads_within(draws, off, top)
    open_chance = (in_set & ~by_chance).any() or bool(rivals) or len(pool) == 1
    ranks = ranks_of_set(ranks_within(draws, *off), in_set)
    p_best = steadied_shares(probability_best(draws), [few.p_value(i, int(scores.argmax())) for i in range(len(pool))])
    baseline = baseline_place(pool, options.baseline_step)
    differences = baseline_differences(few, pool, draws, baseline, base, of_base)
    own = {
        r.checkpoint.name: Standing(
            *(float(scores[i]), intervals[i], None if open_chance else float(p_best[i]), ranks[i], float(p_values[i])),
            differences[i],
        )
        for i, r in enumerate(pool)
    }
    tied = tuple(name for name, inside in zip(own, in_set, strict=True) if inside)
    trend = None if few.count < FEW_ITEMS else last_trend(ranked, raw, tied, best.checkpoint.name)
    return Statistics(
        source_of(few),
        method_of(few, options),
        options.draws,
        options.seed,
        sum(task.items.scores.shape[1] for task in few.by_items),
        tuple(task.name for task in few.tasks if task.items is None),
        own,
        tied,
        corrected_score(best, draws[top], halves, few, base_halves if base else None, differences[top]),
        trend and trend_within(trend, ranked),
        base.checkpoint.name if base is not None else None if baseline is None else pool[baseline].checkpoint.name,
        None if base is None else base.ranks_by,
    )


def leads_within(draws: Any, off: Any, top: int) -> Any:
    """Which may lead the best one, at the place `top`, as far as chance and lost attempts may go together; `off`: how
    far lost attempts may move each score down and up."""
    import numpy as np

    if not off.any():  # nothing was lost: chance alone is for the confidence set to judge
        return np.zeros(len(draws), bool)
    return np.quantile(draws - draws[top], (1 + CONFIDENCE) / 2, axis=1) + off[1] - off[0][top] >= 0


def corrected_score(
    best: Ranked,
    draws: Any,
    halves: Any,
    few: FewItems,
    base_halves: Any,
    gain: tuple[float, float, float] | None,
) -> Corrected:
    """The best one's score without the luck of having been picked; `draws` are its own, `gain` is its difference to
    the base model where `base_halves` are known."""
    lost = best.ends[0] != best.ends[1]
    return Corrected(
        best.checkpoint.name,
        best.ranks_by,
        split_half_score(halves),
        float(draws.std()),
        halves_text(few) + ("; its lost attempts taken to be like the others" if lost else ""),
        None if base_halves is None or gain is None else (split_half_score(halves, base_halves), *gain[1:]),
    )


def baseline_differences(
    few: FewItems,
    pool: Sequence[Ranked],
    draws: Any,
    baseline: int | None,
    base: Ranked | None,
    of_base: Any,
) -> list[tuple[float, float, float] | None]:
    """The difference of each checkpoint to the one at the place `baseline`, or to the base model; None without both."""
    import numpy as np

    scores = np.array([r.ranks_by for r in pool])
    if base is not None:
        scores, draws, baseline = np.append(scores, base.ranks_by), np.vstack([draws, of_base]), len(pool)
    if baseline is None:
        return [None] * len(pool)
    found = simultaneous_differences(scores, draws, baseline)[: len(pool)]
    found = [widened(few, i, baseline, pool, one) for i, one in enumerate(found)]
    other = pool[baseline] if base is None else base
    return [
        one if i == baseline else within_ends(one, r, other) for i, (one, r) in enumerate(zip(found, pool, strict=True))
    ]


def within_ends(found: tuple[float, float, float], own: Ranked, other: Ranked) -> tuple[float, float, float] | None:
    """A difference with an interval that holds whatever the lost attempts of the two would have got; None without
    bounds."""
    (low, high), (base_low, base_high) = ([end - r.ranks_by for end in r.ends] for r in (own, other))
    value, *ends = found[0], found[1] + low - base_high, found[2] + high - base_low
    return (value, *ends) if all(map(math.isfinite, ends)) else None


def ranks_of_set(ranks: Sequence[tuple[int, int]], in_set: Any) -> list[tuple[int, int]]:
    """Ranges of ranks that say what the set of those that cannot be told from the best one says: who may be first."""
    several = int(in_set.sum()) > 1
    return [
        (1, max(high, 2) if several else 1) if inside else (max(low, 2), max(high, 2))
        for (low, high), inside in zip(ranks, in_set, strict=True)
    ]


def steadied_shares(shares: Any, p_values: Sequence[float | None]) -> Any:
    """The chances to be best, where draws of few items know nothing of those that were not met: against the best one
    nobody has less than p to 2 - p, of the two-sided p-value of the two."""
    import numpy as np

    odds = np.array([0.0 if p is None else p / (2 - p) for p in p_values])
    found = np.maximum(shares, shares.max() * odds)
    return found / found.sum()


def widened(
    few: FewItems, place: int, baseline: int, pool: Sequence[Ranked], found: tuple[float, float, float]
) -> tuple[float, float, float]:
    """A difference with an interval that holds where few items differ: Bonferroni over all that are compared."""
    if place == baseline or not few.few(place, baseline) or (evidence := few.evidence(place, baseline)) is None:
        return found
    value, low, high = found
    ends = [float(end) for end in evidence.interval((1 - CONFIDENCE) / max(len(pool) - 1, 1))]
    ends = ends if pool[0].sign > 0 else [-ends[1], -ends[0]]
    return value, min(low, ends[0]), max(high, ends[1])


def as_measured(statistics: Statistics) -> Statistics:
    """Statistics of scores that were turned round, turned back: less is better in them."""

    def back(ends: tuple[float, float, float] | None) -> tuple[float, float, float] | None:
        return None if ends is None else (-ends[0], -ends[2], -ends[1])

    own = {
        name: replace(standing, score=-standing.score, difference=back(standing.difference))
        for name, standing in statistics.standings.items()
    }
    found, trend = statistics.corrected, statistics.trend
    corrected = replace(found, raw=-found.raw, value=-found.value, gain=back(found.gain))
    if trend is not None:
        change = replace(trend.change, low=-trend.change.high, high=-trend.change.low)
        trend = replace(trend, change=change, estimate=-trend.estimate)
    base = None if statistics.baseline_score is None else -statistics.baseline_score
    return replace(statistics, standings=own, corrected=corrected, trend=trend, baseline_score=base)


def source_of(few: FewItems) -> str:
    """Where the uncertainty comes from."""
    if not few.by_items:
        return "standard errors"
    return "items" if len(few.by_items) == len(few.tasks) else "items and standard errors"


def halves_text(few: FewItems) -> str:
    """How the score of the one that was picked was corrected, in words."""
    if len(few.by_items) == len(few.tasks):
        return "split halves: chosen on one half of the items, reported on the other"
    return "split halves, by normal errors where there are no items (data thinning)"


def method_of(few: FewItems, options: Options) -> str:
    """How the uncertainty was found, in words."""
    parts, tasks, by_items = [], few.tasks, few.by_items
    if by_items:
        items = sum(task.items.scores.shape[1] for task in by_items)
        groups = sum(len(set(task.items.clusters.tolist())) for task in by_items)
        clusters = f" in {groups:,} clusters" if groups < items else ""
        raters = {int(task.items.raters.max()) + 1 for task in by_items if task.items.raters is not None}
        clusters += f" and {listing(map(str, sorted(raters)))} raters" if raters else ""
        formulas = {task.items.formula for task in by_items} - {""}
        clusters += f", by their statistics ({listing(sorted(formulas))})," if formulas else ""
        parts.append(f"paired bootstrap over {items:,} items{clusters} of {plural(len(by_items), 'task')}")
    if len(by_items) < len(tasks):
        names = listing(
            f"{task.name}{' (its items all have one prompt, or one cluster)' if task.one_group else ''}"
            for task in tasks
            if task.items is None
        )
        joint = any(task.gaps for task in tasks)
        how = "joint normal errors, by the same votes," if joint else "independent normal errors, not paired,"
        parts.append(f"{how} from the records' standard errors for {names}")
    parts.append(f"{options.draws:,} draws, seed {options.seed}")
    parts += [f"too few items ({few.count}) to tell anything apart"] if few.count < FEW_ITEMS else []
    return "; ".join(parts)


def baseline_place(pool: Sequence[Ranked], step: int | None) -> int | None:
    """Where the baseline stands; ScriptError when it is not compared."""
    if step is None:
        return None
    steps = [r.checkpoint.step for r in pool]
    if step not in steps:
        raise ScriptError(f"--baseline-step {step}: compared are the steps {listing(map(str, steps), 20)}")
    return steps.index(step)


def last_trend(ranked: Sequence[Ranked], draws: Any, tied: Sequence[str], best: str) -> Trend | None:
    """What the last third of the checkpoints (at least three) does; None when there are fewer, steps are missing,
    or they are of several runs.

    A line tells nothing where the last checkpoint is shown to be worse than the best one, or where one lies off it by
    more than the items explain: then that is what is said.
    """
    import numpy as np

    if len(run_folders(r.checkpoint for r in ranked)) > 1:
        return None
    last = max(3, math.ceil(len(ranked) / 3))
    tail, names = ranked[-last:], [r.checkpoint.name for r in ranked]
    places = [r.checkpoint.step if tail[0].checkpoint.step is not None else r.checkpoint.epoch for r in tail]
    if len(tail) < last or None in places:
        return None
    scores, noise = np.array([r.sign * r.eval_accuracy for r in tail]), draws[-last:]
    estimate, low, high = line_change(places, scores, noise)
    off = off_the_line(places, scores, noise)
    flat = next(i for i in range(len(names)) if set(names[i:]) <= {*tied, best} or i == len(names) - 1)
    before = last < len(names) and names[-last - 1] in (*tied, best)  # then a low first one is no growth
    alone = off is not None and (off > 0 or before) and last > 3 and not any(r.reach for r in tail)
    if alone:
        kept = [i for i in range(last) if i != off]
        alone = off_the_line([places[i] for i in kept], scores[kept], noise[kept]) is None
    if names[-1] not in (*tied, best):
        verdict = f"best at {best}, since then {'down' if tail[0].sign > 0 else 'worse'} (shown)"
        return Trend(verdict, *change_between(ranked, draws, names.index(best)), (best, names[-1]), best)
    if alone:
        verdict, where = f"one record off the line: {tail[off].checkpoint.name}", tail[off].checkpoint.name
    elif low > 0 and (off is None or flat == len(names) - 1):
        verdict, where = "still improving", None
    elif high < 0 and off is None:
        verdict, where = "declining", None
    else:
        verdict, where = f"flat since {names[flat]}", names[flat]
        if (low > 0 or high < 0) and flat > len(names) - last:  # what changed was before
            verdict = f"{'improved' if low > 0 else 'worse'} until {names[flat]}, flat since then"
        elif low > 0 or high < 0:
            verdict = f"not on a line; none since {names[flat]} can be told apart from the best"
    change = Interval(low, high, "regression line through the last checkpoints, percentiles of the draws")
    return Trend(verdict, change, estimate, tuple(r.checkpoint.name for r in tail), where)


def trend_within(trend: Trend, ranked: Sequence[Ranked]) -> Trend | None:
    """A trend with an interval that holds whatever the lost attempts would have got, and without a verdict that they
    could turn; None without bounds."""
    own = [r for r in ranked if r.checkpoint.name in trend.names]
    if not any(r.reach for r in own):
        return trend
    places = [r.checkpoint.epoch if own[0].checkpoint.step is None else r.checkpoint.step for r in own]
    weights = line_contrast(places if None not in places else range(len(own))).tolist()
    off = [[r.sign * (end - r.eval_accuracy) for end in r.reach or (r.eval_accuracy,) * 2] for r in own]
    moved = [sorted((w * low, w * high)) for w, (low, high) in zip(weights, off, strict=True) if w]
    low, high = (
        old + math.fsum(one)
        for old, one in zip((trend.change.low, trend.change.high), zip(*moved, strict=True), strict=True)
    )
    if not math.isfinite(low) or not math.isfinite(high):
        return None
    change = Interval(low, high, f"{trend.change.method}; with the bounds of lost attempts")
    if (low > 0, high < 0) != (trend.change.low > 0, trend.change.high < 0):
        return replace(trend, change=change, verdict="not known: lost attempts could turn it", checkpoint=None)
    return replace(trend, change=change)


def change_between(ranked: Sequence[Ranked], draws: Any, first: int) -> tuple[Interval, float]:
    """(interval, estimate) of the change from one of the checkpoints to the last."""
    import numpy as np

    low, high = np.percentile(draws[-1] - draws[first], [2.5, 97.5])
    estimate = ranked[-1].sign * (ranked[-1].eval_accuracy - ranked[first].eval_accuracy)
    return Interval(float(low), float(high), "difference of the two, percentiles of the draws"), estimate


def distribution(r: Ranked, place: int, data: Mapping[str, Sequence[TaskData]]) -> dict[str, Any]:
    """How a checkpoint's scores spread: those of benchmarks (quartiles, ten bins), those of items (0, between, 1)."""
    import numpy as np

    scores = [score.value for score in r.scores.values() if score.averages]
    spread: dict[str, Any] = {}
    if scores:
        quartiles = np.quantile(scores, [0, 0.25, 0.5, 0.75, 1]).tolist()
        spread["benchmarks"] = dict(zip(("min", "q25", "median", "q75", "max"), quartiles, strict=True))
        spread["histogram"] = np.histogram(scores, 10, (0, 1))[0].tolist()
    keys = [key for key in data if r.scores[key].averages]
    parts = [task.items.scores[place] for key in keys for task in data[key] if task.items is not None]
    if parts:
        own = np.concatenate(parts)
        own = own[~np.isnan(own)]
        zero, one = int((own == 0).sum()), int((own == 1).sum())
        spread["items"] = {"n": len(own), "zero": zero, "between": len(own) - zero - one, "one": one}
    return spread


# --- parts/ranking/race.py --------------------------------------------------------------------------------------------

# The race (--plan-next).
RACE_FACTOR = 3  # successive halving: a round has a third of the checkpoints on three times the items
BETS = 64  # nodes of the mixture over the size of a bet
FUTILE = 0.10  # a lower probability that the full run tells the remaining ones apart ends the race as a tie


# The best checkpoint from few items, with successive halving: every round asks three times the items of a third of the
# checkpoints. The target is what the full run would show: its items are a finite population, of which the harness draws
# at random without replacement. Two things take a checkpoint out:
# - evidence: an e-value against "it is the best" reaches 1 / alpha. However often that is looked at, and whatever the
#   rounds do, the best one goes this way with probability alpha at most (Ville's inequality).
# - the budget: it is not among the leaders that a next round has samples for. The error of that is an estimate.


@dataclass(frozen=True, slots=True)
class RaceTask:
    """A task of the race.

    weight: its share in eval_accuracy; size: how many items it has; scores: (checkpoints, items) array, NaN where there
    is no score, the columns in the order of draw; asked: how many items each checkpoint was asked at most in one run.
    """

    name: str
    weight: float
    size: int
    scores: Any
    asked: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Round:
    """At most so many checkpoints are asked `limit` items of each task (or all that a smaller one has)."""

    checkpoints: int
    limit: int


@dataclass(frozen=True, slots=True)
class Gap:
    """What a rival is ahead of the leader (negative: behind) on the items that both were scored on.

    standard_error: of `ahead` as an estimate of the full run's difference (zero when all items are measured);
    full_error: the standard error that the full run's own difference would have; wins and losses: items on which the
    rival, or the leader, did better; items: how many both have.
    """

    ahead: float
    standard_error: float
    full_error: float
    wins: int
    losses: int
    items: int

    def probability(self, errors: float) -> float:
        """Estimated probability that the full run puts the rival ahead by more than so many of its standard errors."""
        short = errors * self.full_error - self.ahead
        return 1 - NormalDist().cdf(short / self.standard_error) if self.standard_error else float(short < 0)

    @property
    def p_better(self) -> float:
        """Estimated probability that the full run has the rival significantly ahead (one-sided, 5 %)."""
        return self.probability(NormalDist().inv_cdf(CONFIDENCE))

    @property
    def p_told(self) -> float:
        """Estimated probability that the full run tells the two apart, either way."""
        return self.p_better + replace(self, ahead=-self.ahead).p_better


@dataclass(frozen=True, slots=True)
class Exit:
    """When and by what a checkpoint left the race: evidence, budget, tie (with the choice), or items (all measured)."""

    round: int
    by: str


@dataclass(frozen=True, slots=True)
class Race:
    """Where the race stands: the current round (from 1), who is in it, who still waits for its items, who left.

    leader: index of the best one of the last complete round, None before the first; decided_by: evidence, budget, tie,
    items, or None while undecided; gaps: to the leader, by checkpoint; e_values: against "it is the best".
    """

    rounds: tuple[Round, ...]
    number: int
    members: tuple[int, ...]
    waiting: tuple[int, ...]
    exits: Mapping[int, Exit]
    leader: int | None
    decided_by: str | None
    gaps: Mapping[int, Gap]
    e_values: tuple[float, ...]

    @property
    def error(self) -> float | None:
        """Estimated probability that the choice is not in the full run's tied set, for what evidence has not settled.

        1 - product of (1 - p): at least that of any event whose parts are positively related, as these are (they share
        the leader's luck).
        """
        if self.leader is None:
            return None
        rest = [gap.p_better for i, gap in self.gaps.items() if i not in self.exits or self.exits[i].by != "evidence"]
        return 1 - math.prod(1 - p for p in rest)


def discordant_evidence(wins: int, losses: int) -> float:
    """E-value against "wins and losses are equally likely": 2^n B(1 + wins, 1 + losses), n = wins + losses.

    The likelihood ratio of a uniform mixture over the chance of a win (Robbins 1970; anytime-valid): 9-1 -> 9.31
    """
    n = wins + losses
    return math.exp(min(700.0, n * math.log(2) + math.lgamma(1 + wins) + math.lgamma(1 + losses) - math.lgamma(2 + n)))


def stakes(tasks: Sequence[RaceTask], counts: Sequence[int], sizes: Sequence[int]) -> tuple[Any, Any]:
    """(stake, drift) of each of counts[k] items of each task, one task after the other, for `evidence`.

    The t-th items of all tasks (t from 0) make a row. With S_k the sum of the differences of task k in earlier rows,
    its next one, drawn from the size_k - t that are left, is (size_k D_k - S_k) / (size_k - t) on average, where D_k is
    the full run's difference. A stake of w_k (1 - t / size_k) makes the row's expected gain sum_k w_k (D_k - S_k /
    size_k): under "sum_k w_k D_k <= 0" at most -sum_k w_k S_k / size_k, which is known, and which the drift gives back.
    Only rows count that have an item of each task that is not yet measured whole.
    """
    import numpy as np

    top = max(task.weight for task in tasks)
    rows = min((n for n, size in zip(counts, sizes, strict=True) if n < size), default=max(sizes))
    stake, drift = [], []
    for task, n, size in zip(tasks, counts, sizes, strict=True):
        place = np.arange(n)
        weight = np.where(place < rows, task.weight / top, 0.0)
        stake.append(weight * (1 - place / size))
        drift.append(weight * (rows - 1 - place) / size)
    return np.concatenate(stake), np.concatenate(drift)


@cache
def uniform_bets() -> tuple[Any, Any]:
    """Bets between 0 and 1 and their weights, for means over a uniform distribution (Gauss-Legendre)."""
    import numpy as np

    nodes, weights = np.polynomial.legendre.leggauss(BETS)
    return (nodes + 1) / 2, weights / 2


def evidence(differences: Any, stake: Any, drift: Any) -> float:
    """E-value against "the weighted mean of the differences is not above 0" over the full run; differences in [-1, 1].

    The capital of one who starts with 1 and bets on each item: the uniform mixture over the bet b in (0, 1) of
    prod(1 + b stake d) exp(b sum(drift d)). Within a row prod(1 + b stake d) is on average at most exp(b times the
    row's expected gain), so under the null hypothesis no row is expected to gain: betting without replacement as in
    Waudby-Smith and Ramdas 2024 (JRSS B 86:1), over several tasks whose items are drawn independently.
    """
    import numpy as np

    bets, weights = uniform_bets()
    some = differences != 0
    log_capital = np.log1p(bets[:, None] * (stake[some] * differences[some])).sum(1) + bets * (drift @ differences)
    top = log_capital.max()
    return math.exp(min(top, 700.0)) * float(weights @ np.exp(log_capital - top))


def successive_halving(checkpoints: int, items: int, most: int, factor: int = RACE_FACTOR) -> list[Round]:
    """Rounds of floor(checkpoints / factor^i) checkpoints on items x factor^i items, up to `most` items.

    One bracket of Hyperband (Li et al. 2018, JMLR 18:185): (81, 1, 81) -> 81 on 1, 27 on 3, 9 on 9, 3 on 27, 1 on 81
    """
    rounds = [Round(checkpoints, min(items, most))]
    while checkpoints >= factor and items < most:
        checkpoints, items = checkpoints // factor, items * factor
        rounds.append(Round(checkpoints, min(items, most)))
    return rounds


def samples_needed(rounds: Iterable[Round], sizes: Sequence[int]) -> int:
    """How many samples the rounds send at most; each asks its items anew, since the harness does."""
    return sum(r.checkpoints * sum(min(r.limit, size) for size in sizes) for r in rounds)


def race_rounds(checkpoints: int, sizes: Sequence[int], budget: float) -> tuple[Round, ...]:
    """The rounds with the most items that send at most `budget` of all samples (checkpoints x items).

    One item of each task is set aside: somebody has to try the tasks first. A round of one checkpoint decides nothing.
    """

    def rounds(items: int) -> list[Round]:
        return [r for r in successive_halving(checkpoints, items, max(sizes)) if r.checkpoints > 1]

    allowed = budget * checkpoints * sum(sizes) - len(sizes)
    low, high = 0, max(sizes)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if samples_needed(rounds(middle), sizes) <= allowed else (low, middle - 1)
    if low < 2:
        least = (samples_needed(rounds(2), sizes) + len(sizes)) / (checkpoints * sum(sizes))
        raise ScriptError(
            f"--race-budget {budget:g} is not enough for two items of each task; give at least {least:.2f}, or fewer "
            "tasks with --benchmarks"
        )
    return tuple(rounds(low))


def draw_order(task: str, item_ids: Sequence[str], scores: Any) -> list[int]:
    """The columns of (checkpoints, items) scores in the order of draw: by rounds, and by chance within a round.

    A later round's items hold the earlier one's, so an item belongs to the smallest set that has it. Samples files are
    in the data set's order, which may be by subject: a hash of task and id replaces it by one that no score depends on.
    """
    import numpy as np

    measured = ~np.isnan(scores)
    smallest = np.where(measured, measured.sum(1, keepdims=True), measured.shape[1] + 1).min(0)
    digests = [hashlib.sha256(f"{task}\0{name}".encode()).digest() for name in item_ids]
    return sorted(range(len(item_ids)), key=lambda column: (smallest[column], digests[column]))


def shared_scores(tasks: Sequence[RaceTask], members: Sequence[int]) -> tuple[list[Any], list[int]]:
    """For each task the (members, items) scores on the items that all of them have; and the sizes without those items
    that were asked of all but could not be scored."""
    import numpy as np

    shared, sizes = [], []
    for task in tasks:
        rows = task.scores[list(members)]
        rows = rows[:, ~np.isnan(rows).any(0)]
        asked = min(task.asked[i] for i in members)
        lost = max(0, asked - rows.shape[1])
        if lost > MANY * asked:
            raise ScriptError(
                f"{task.name}: {asked} items were asked of each checkpoint, but only {rows.shape[1]} are scored for "
                "all that are compared: other items, or answers that could not be scored; evaluate them alike"
            )
        shared.append(rows)
        sizes.append(task.size - lost)
    return shared, sizes


def gap_between(tasks: Sequence[RaceTask], rival: int, leader: int) -> Gap:
    """The rival's Gap to the leader.

    The tasks are strata; a task without any difference between the two so far is taken to have one in all items + 1.
    """
    shared, sizes = shared_scores(tasks, (rival, leader))
    differences = [rows[0] - rows[1] for rows in shared]
    items = sum(map(len, differences))
    ahead = left = full = 0.0
    for task, d, size in zip(tasks, differences, sizes, strict=True):
        variance = max(float(d.var(ddof=1)) if len(d) > 1 else 1.0, 1 / (items + 1))
        ahead += task.weight * float(d.mean())
        left += task.weight**2 * variance * (1 / len(d) - 1 / size)
        full += task.weight**2 * variance / size
    wins, losses = (int(sum((sign * d > 0).sum() for d in differences)) for sign in (1, -1))
    return Gap(ahead, math.sqrt(left), math.sqrt(full), wins, losses, items)


def race(tasks: Sequence[RaceTask], rounds: Sequence[Round], alpha: float) -> Race:
    """Where the race stands, from the scores alone: the rounds are gone through again from the first one."""
    import numpy as np

    count = len(tasks[0].asked)
    members, e_values = tuple(range(count)), np.zeros((count, count))
    exits: dict[int, Exit] = {}
    leader = decided_by = None
    waiting: tuple[int, ...] = ()
    for place, stage in enumerate(rounds, start=1):
        waiting = tuple(i for i in members if any(t.asked[i] < min(stage.limit, t.size) for t in tasks))
        if waiting:
            break
        order = hold_round(tasks, members, e_values)
        leader = order[0]
        whole = measured_whole(tasks, members)  # then nothing is left to bet on
        beaten = [i for i in order[1:] if not whole and e_values[:, i].sum() / (count - 1) >= 1 / alpha]
        left = [i for i in order if i not in beaten]
        decided_by = verdict(tasks, left)
        keep = 1 if decided_by or place == len(rounds) else rounds[place].checkpoints
        decided_by = decided_by or ("budget" if keep == 1 else None)
        exits |= {i: Exit(place, "evidence") for i in beaten}
        exits |= {i: Exit(place, decided_by or "budget") for i in left[keep:]}
        members = tuple(sorted(left[:keep]))
        if decided_by:
            break
    rivals = [] if leader is None else [i for i in range(count) if i != leader and all(t.asked[i] for t in tasks)]
    gaps = {i: gap_between(tasks, i, leader) for i in rivals}
    against = tuple(e_values.sum(0) / (count - 1))
    return Race(tuple(rounds), place, members, waiting, exits, leader, decided_by, gaps, against)


def hold_round(tasks: Sequence[RaceTask], members: Sequence[int], e_values: Any) -> list[int]:
    """The members by their score on the items that all of them have: the best first, of equal ones the earlier.

    e_values[j, i], the evidence that j is ahead of i, is brought up to date for all pairs; that of a pair of which one
    is out stays as it was: its game is over.
    """
    import numpy as np

    shared, sizes = shared_scores(tasks, members)
    counts = [rows.shape[1] for rows in shared]
    stake, drift = stakes(tasks, counts, sizes)
    scores = dict(zip(members, np.concatenate(shared, axis=1), strict=True))
    parts = sum(task.weight * rows.mean(1) for task, rows in zip(tasks, shared, strict=True))
    mean = dict(zip(members, np.round(parts, 12), strict=True))
    for i in members:
        for j in members:
            # Against a rival that is behind there is no evidence; leaving it at 0 is on the safe side.
            e_values[j, i] = evidence(scores[j] - scores[i], stake, drift) if mean[j] > mean[i] else 0.0
    return sorted(members, key=lambda i: (-mean[i], i))


def verdict(tasks: Sequence[RaceTask], left: Sequence[int]) -> str | None:
    """What ends the race before its last round, if anything; `left` has the leader first."""
    if measured_whole(tasks, left):
        return "items"
    if len(left) == 1:
        return "evidence"
    futile = all(gap_between(tasks, i, left[0]).p_told <= FUTILE for i in left[1:])
    return "tie" if futile else None


def measured_whole(tasks: Sequence[RaceTask], members: Iterable[int]) -> bool:
    """Whether these have been asked all items."""
    return all(task.asked[i] >= task.size for i in members for task in tasks)


def items_to_tell(tasks: Sequence[RaceTask], rival: int, leader: int) -> int | None:
    """Estimated items of each task at which the 95 % interval of the observed difference would leave out zero.

    None when even all items would not do. For a difference that stays as it is: a guess, and an optimistic one.
    """
    shared, sizes = shared_scores(tasks, (rival, leader))
    differences = [rows[0] - rows[1] for rows in shared]
    ahead = abs(sum(task.weight * d.mean() for task, d in zip(tasks, differences, strict=True)))
    spread = [task.weight**2 * d.var(ddof=min(1, len(d) - 1)) for task, d in zip(tasks, differences, strict=True)]
    for items in range(2, max(sizes) + 1):
        if ahead > TWO_SIDED_Z * math.sqrt(sum(s / min(items, size) for s, size in zip(spread, sizes, strict=True))):
            return items
    return None


def race_json(state: Race, names: Sequence[str], tasks: Sequence[RaceTask], alpha: float) -> dict[str, Any]:
    """The race for --json: outcome, who remains, who is out and why, what decides."""
    chosen = state.decided_by is not None
    return {
        "decided_by": state.decided_by,
        "best": names[state.leader] if chosen else None,
        "leader": None if state.leader is None else names[state.leader],
        "remaining": [names[i] for i in state.members],
        "out": [names[i] for i in sorted(state.exits)],
        "round": state.number,
        "rounds": [{"checkpoints": r.checkpoints, "limit": r.limit} for r in state.rounds],
        "alpha": alpha,
        "error": state.error,
        "tasks": {task.name: {"weight": task.weight, "items": task.size} for task in tasks},
        "checkpoints": [entry_json(state, i, name, tasks) for i, name in enumerate(names)],
    }


def entry_json(state: Race, i: int, name: str, tasks: Sequence[RaceTask]) -> dict[str, Any]:
    """One checkpoint of the race: its state, and how it stands to the leader on the items that both have."""
    left, gap = state.exits.get(i), state.gaps.get(i)
    entry = {
        "name": name,
        "state": "leader" if i == state.leader else f"out: {left.by}" if left else "in the race",
        "round": left.round if left else state.number,
        "items": {task.name: task.asked[i] for task in tasks},
        "e_value": state.e_values[i],
    }
    if gap is None:
        return entry
    return entry | {
        "difference": gap.ahead,
        "standard_error": gap.standard_error,
        "p_better": gap.p_better,
        "items_compared": gap.items,
        "wins": gap.wins,
        "losses": gap.losses,
        "e_discordant": discordant_evidence(gap.wins, gap.losses),
        "items_to_tell": items_to_tell(tasks, i, state.leader),
    }


def race_table(plan: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the race for people."""
    header = ["checkpoint", "state", "items", "to the leader", "std. error", "E (not the best)", "P(better)", "to tell"]
    rows = []
    for entry in plan["checkpoints"]:
        left = entry["state"].startswith("out") and f" (round {entry['round']})"
        row = [entry["name"], entry["state"] + (left or ""), f"{sum(entry['items'].values()):,}"]
        if "difference" in entry:
            tell = "–" if entry["items_to_tell"] is None else f"{entry['items_to_tell']:,}"
            row += [f"{entry['difference']:+.3f}", number(entry["standard_error"])]
            row += [f"{entry['e_value']:.3g}", number(entry["p_better"], 2), tell]
        rows.append(row + ["–"] * (len(header) - len(row)))
    return header, rows


def race_lines(plan: Mapping[str, Any]) -> list[str]:
    """The state of the race in words; the last line is the next command, while there is one."""
    share = plan["sent"] / plan["all_samples"]
    counts = f"samples sent: {plan['sent']:,} of {plan['all_samples']:,} ({share:.1%}), repeated items counted"
    rounds = ", ".join(f"{r['checkpoints']} x {r['limit']}" for r in plan["rounds"])
    schedule = f"rounds (checkpoints x items of each of {len(plan['tasks'])} tasks): {rounds}"
    if plan["decided_by"]:
        why = {
            "evidence": f"the evidence against all others is wrong with probability {plan['alpha']:g} at most",
            "tie": "the full run would hardly tell the remaining ones apart",
            "items": "all items of the remaining ones are measured: without --plan-next the ranking has its statistics",
            "budget": "the last round is over",
        }[plan["decided_by"]]
        sure = f"that the full run's tied set lacks it has a probability of about {plan['error']:.2f} (estimate)"
        best = f"best: {plan['best']}" if plan["best"] else "no best, as the ranking says"
        return [schedule, counts, f"{best}, decided by {plan['decided_by']}: {why}; {sure}"]
    lines = [
        schedule,
        counts,
        f"undecided, round {plan['round']} of {len(plan['rounds'])}: {len(plan['remaining'])} remain "
        f"({listing(plan['remaining'], 20)}); at most {plan['samples_left']:,} more samples decide",
    ]
    if plan["next_command"] is None:
        wanted = plan["next"]
        lines.append(
            f"next: measure {wanted['limit'] or 'all'} items of each task for {listing(wanted['checkpoints'], 200)}, "
            "with the settings of the records"
        )
    else:
        lines.append(plan["next_command"])
    return lines


# --- parts/ranking/report.py ------------------------------------------------------------------------------------------

TABLE_ROWS = 40
TABLE_COLUMNS = 6
NO_WIDTH = 1e-12  # an interval that is no wider says that nothing varied, not how sure something is: it is left out


def with_interval(score: Estimate | None) -> str:
    """'0.467 [0.372, 0.564]'; without an interval as with_error has it."""
    if score is None or score.interval is None:
        return with_error(score)
    digits = 3 if score.unit == "proportion" else 2
    return (
        f"{number(score.value, digits)} [{number(score.interval.low, digits)}, {number(score.interval.high, digits)}]"
    )


def histogram_text(counts: Sequence[int]) -> str:
    """Counts as bars of block characters; an empty bin is a dot."""
    top = max(counts, default=0)
    return "".join("·" if not count else "▁▂▃▄▅▆▇█"[math.ceil(count / top * 8) - 1] for count in counts)


def with_error(score: Estimate | None) -> str:
    """'0.467 ± 0.050', without the error when there is none."""
    if score is None:
        return "–"
    digits = 3 if score.unit == "proportion" else 2
    return number(score.value, digits) + (
        "" if score.standard_error is None else f" ± {number(score.standard_error, digits)}"
    )


def ranking_json(ranking: Ranking, full: bool = False) -> dict[str, Any]:
    """The document of --json, the answer first; `full` adds what one number was made of. See the reference."""
    best = ranking.best
    document = {
        "schema_version": RANKING_SCHEMA,
        "score_source": ranking.score_source,
        "answer": summary_lines(ranking),
        "best": None
        if ranking.undecided
        else {
            "name": best.checkpoint.name,
            "step": best.checkpoint.step,
            "eval_accuracy": best.eval_accuracy,
            "interval": best.interval and [best.interval.low, best.interval.high],
            "chosen_as": chosen_as(ranking),
        },
        "tied": [r.checkpoint.name for r in tied_ones(ranking)],
        "reason": undecided_line(ranking) or None,
        "ahead": [
            {name: getattr(one, name) for name in ("name", "score", "standard_error", "why", "over")}
            for one in ranking.ahead
        ],
        "statistics": statistics_json(ranking.statistics, ranking.undecided) if ranking.statistics else None,
        "no_statistics": None if ranking.statistics else ranking.no_statistics,
        "notes": list(ranking.notes),
        "failures": list(ranking.failures),
        "skipped": [{"name": s.name, "reason": s.reason} for s in ranking.skipped if full or s.reason != NO_CHECKPOINT],
        "not_comparable": [
            {
                "name": u.checkpoint.name,
                "step": u.checkpoint.step,
                "reasons": list(u.reasons),
                "ranked": ranking.allow_unlike,
                "scores": {key: score_json(score) for key, score in u.scores.items()},
            }
            for u in ranking.unlike
        ],
        "eval_accuracy_is": ranking.overall,
        "metric": ranking.metric,
        "lower_is_better": ranking.best.sign < 0,
        "benchmarks": list(ranking.benchmarks),
        "not_ranked_over": list(ranking.left_out),
        "allow_unlike": ranking.allow_unlike,
        "tie_break": ranking.tie_break,
        "smooth": ranking.smooth,
        "full": full,
    }
    return document | {"checkpoints": [checkpoint_json(r, ranking, full) for r in ranking.ranked]}


def checkpoint_json(r: Ranked, ranking: Ranking, full: bool) -> dict[str, Any]:
    """A compared checkpoint; in short its standing and the bare scores."""
    value = {
        "name": r.checkpoint.name,
        "step": r.checkpoint.step,
        "epoch": r.checkpoint.epoch,
        "path": r.checkpoint.path.as_posix(),
        "eval_accuracy": r.eval_accuracy,
        "standard_error": r.standard_error,
    }
    if r.interval:
        value["interval"] = [r.interval.low, r.interval.high]
    if ranking.smooth > 1:
        value["smoothed"] = r.smoothed
    standing = ranking.statistics and ranking.statistics.standings.get(r.checkpoint.name)
    if standing:
        value |= {"p_best": standing.p_best, "ranks": list(standing.ranks), "p_value": standing.p_value}
        value["tied_set"] = r.checkpoint.name in ranking.statistics.tied_set
        if ranking.smooth > 1:
            value["smoothed_interval"] = [standing.interval.low, standing.interval.high]
        itself = r.checkpoint.name == ranking.statistics.baseline
        if standing.difference and (itself or standing.difference[2] - standing.difference[1] > NO_WIDTH):
            value["difference"] = dict(zip(("estimate", "low", "high"), standing.difference, strict=True))
    if not full:
        return value | {"scores": {key: score.value for key, score in r.scores.items()}}
    if r.distribution:
        value["distribution"] = dict(r.distribution)
    return value | {
        "scores": {key: score_json(score) for key, score in r.scores.items()},
        "categories": {key: score_json(score) for key, score in r.categories.items()},
        "not_ranked": {key: score_json(score) for key, score in r.unranked.items()},
        "records": list(r.records),
    }


def tied_ones(ranking: Ranking) -> tuple[Ranked, ...]:
    """Those that cannot be told from the best one; where there is none, all."""
    return candidates(ranking.ranked) if ranking.equal else ranking.tied


def has_width(trend: Trend | None) -> bool:
    """Whether the interval of a trend's change says how sure it is."""
    return trend is not None and trend.change.high - trend.change.low > NO_WIDTH


def statistics_json(statistics: Statistics, undecided: bool = False) -> dict[str, Any]:
    """How sure the ranking is, as JSON; where there is no best one without what is said of it and of a trend."""
    trend, corrected = statistics.trend, statistics.corrected
    return {
        "source": statistics.source,
        "method": statistics.method,
        "confidence": CONFIDENCE,
        "draws": statistics.draws,
        "seed": statistics.seed,
        "items": statistics.items,
        "by_standard_errors": list(statistics.by_errors),
        "tied_set": list(statistics.tied_set),
        "corrected": None
        if undecided or not corrected.standard_error > NO_WIDTH
        else {
            "name": corrected.name,
            "raw": corrected.raw,
            "score": corrected.value,
            "standard_error": corrected.standard_error,
            "method": corrected.method,
            "gain": corrected.gain and dict(zip(("estimate", "low", "high"), corrected.gain, strict=True)),
        },
        "trend": None
        if undecided or not has_width(trend)
        else {
            "verdict": trend.verdict,
            "change": trend.estimate,
            "interval": [trend.change.low, trend.change.high],
            "checkpoints": list(trend.names),
            "checkpoint": trend.checkpoint,
        },
        "baseline_score": statistics.baseline_score,
        "baseline": statistics.baseline,
    }


def chosen_as(ranking: Ranking) -> str:
    """By which rule `best` was taken."""
    if ranking.tie_break:
        pool = "the tied set" if ranking.statistics else "those with the same score"
        return f"{ranking.tie_break} of {pool}"
    return "best point estimate" if ranking.smooth == 1 else f"best mean over the last {ranking.smooth} checkpoints"


def score_json(score: Estimate) -> dict[str, Any]:
    """A score as JSON; the metric, shots and unit only where they are known."""
    value = {"score": score.value, "standard_error": score.standard_error, "n": score.n}
    if score.unit != "proportion":
        value["unit"] = score.unit
    if score.interval is not None:
        value |= {"interval": [score.interval.low, score.interval.high], "interval_method": score.interval.method}
    return value | {k: v for k in ("metric", "shots") if (v := getattr(score, k)) is not None}


def table_rows(ranking: Ranking, vocabulary: MetricMapping, most: int) -> tuple[list[str], list[list[str]], int]:
    """Header and rows of the ranking, best first at most `most` of them, and how many were left out."""
    keys = list(ranking.best.categories) if len(ranking.best.categories) <= TABLE_COLUMNS else []
    best = ranking.best
    titles = [best.title(key, vocabulary.measured_title(key, best.categories[key].metric)) for key in keys]
    header = ["checkpoint", "step", ranking.metric, "std. error", *sure_header(ranking), *titles]
    ordered = list(ranking.ranked)
    if len(ordered) > most:
        ordered = sorted(ordered, key=lambda r: -r.ranks_by)[:most]
    tied = tied_ones(ranking)
    rows, word = [], best_word(ranking)
    for r in ordered:
        mark = " (tied)" if r in tied else f" ({word})" if r is ranking.best and not ranking.equal else ""
        step = "–" if r.checkpoint.step is None else str(r.checkpoint.step)
        cells = [r.checkpoint.name + mark, step, number(r.eval_accuracy), number(r.standard_error)]
        rows.append(cells + sure_cells(r, ranking) + [with_error(r.categories.get(key)) for key in keys])
    first = len(header) - len(keys)
    if any("±" in row[first] for row in rows if keys):
        header[first] += " (± std. error)"
    return header, rows, len(ranking.ranked) - len(ordered)


def sure_header(ranking: Ranking) -> list[str]:
    """The columns that say how sure a place is."""
    header = ["95 % interval", "P(leads)" if ranking.open else "P(best)", "rank"] if ranking.statistics else []
    if ranking.smooth > 1:
        header.insert(min(1, len(header)), f"last {ranking.smooth}")
    if ranking.statistics and ranking.statistics.baseline:
        header.append(f"against {ranking.statistics.baseline}")
    return header


def sure_cells(r: Ranked, ranking: Ranking) -> list[str]:
    """A checkpoint's cells below sure_header."""
    smoothed = [number(r.smoothed)] if ranking.smooth > 1 else []
    if not ranking.statistics:
        return smoothed
    standing = ranking.statistics.standings.get(r.checkpoint.name)
    interval = range_text(r.interval.low, r.interval.high) if r.interval else "–"
    if standing is None:
        return [interval, *smoothed, "–", "–", *(["–"] if ranking.statistics.baseline else [])]
    first, last = standing.ranks
    cells = [interval, *smoothed, number(standing.p_best, 2), str(first) if first == last else f"{first}–{last}"]
    if r.checkpoint.name == ranking.statistics.baseline:
        cells.append("baseline")
    elif standing.difference and not standing.difference[2] - standing.difference[1] > NO_WIDTH:
        cells.append("–")
    elif standing.difference:
        estimate, low, high = standing.difference
        cells.append(f"{signed(estimate)} ({signed(low)} to {signed(high)})")
    return cells


def summary_lines(ranking: Ranking) -> list[str]:
    """The outcome in words: source, best, ties, how sure, what takes part."""
    best = ranking.best
    smoothed = "" if best.smoothed is None else f", mean over the last {ranking.smooth} {number(best.smoothed)}"
    word = best_word(ranking)
    names = [best.title(key, key) for key in ranking.benchmarks]
    chosen = (
        equal_line(ranking)
        if ranking.equal
        else f"{word}: {best.checkpoint.name}, {ranking.metric} {number(best.eval_accuracy)}"
        + ("" if best.standard_error is None else f" ± {number(best.standard_error)} (standard error)")
        + f", the {ranking.overall} ({len(best.categories)}){smoothed}; chosen as the {chosen_as(ranking)}"
    )
    lines = [
        f"score_source: {ranking.score_source}"
        + (" (synthetic, computed from the step number; nothing was measured)" if ranking.synthetic else ""),
        chosen,
        *([undecided_line(ranking)] if ranking.open else []),
        f"ranked over: {', '.join(names) if set(ranking.benchmarks) != set(STEP_FORMULAS) else 'all 15'}"
        + (f"; NOT over {', '.join(ranking.left_out)}" if ranking.left_out else ""),
    ]
    lines += [f"not the best for sure: {ranking.partial}"] if ranking.partial else []
    unmeasured = [s.name for s in ranking.skipped if s.reason.startswith("no measured score")]
    alone = len(ranking.ranked) == 1
    if alone:
        one = f"{best.checkpoint.name} of {1 + len(unmeasured)} checkpoints" if unmeasured else best.checkpoint.name
        lines.append(f"only {one} is {'measured' if unmeasured else 'ranked'}: nothing to compare it with")
    names = listing((r.checkpoint.name for r in ranking.tied), 20)
    if ranking.statistics:
        sure = sure_lines(ranking.statistics, names)
        lines += sure[-1:] if ranking.undecided or alone else sure
    else:
        if ranking.tied and not ranking.equal:
            lines.append(f"tied with it: {names}" + ("" if ranking.tie_break else "; the earliest is named best"))
        lines.append(f"no statistics: {ranking.no_statistics}")
    for entry in ranking.unlike:
        what = "not comparable, ranked all the same (--allow-unlike)" if ranking.allow_unlike else "not comparable"
        lines.append(f"{what}: {entry.checkpoint.name}: {'; '.join(entry.reasons)}")
    # Files that are there for other reasons are no part of the outcome.
    left = [f"{s.name} ({s.reason})" for s in ranking.skipped if s.reason != NO_CHECKPOINT]
    lines += [f"left out: {listing(left, 5)}"] if left else []
    return [*lines, *(f"note: {line}" for line in ranking.notes)]


def best_word(ranking: Ranking) -> str:
    """What the first of the ranked ones is called: of a part of the items, or of the checkpoints, no best is known."""
    return "leads" if ranking.open else "first" if ranking.partial else "best"


def undecided_line(ranking: Ranking) -> str:
    """Says why there is no best checkpoint, and what can be done; "" where there is one."""
    if not ranking.open:
        return equal_line(ranking) if ranking.equal else ""
    lead, left_out = ranking.best, [one.name for one in ranking.ahead]
    if ranking.rivals and not ranking.ahead and not ranking.lacks:
        others = [r.checkpoint.name for r in ranking.rivals]
        return (
            f"undecided: {lead.checkpoint.name} leads with {number(lead.eval_accuracy)} only if lost attempts are like "
            f"the others: it could be {listing(others, 5)} (the notes have the bounds); measure the lost items again, "
            f"leave out knowingly ({option_words('--exclude', *others)}), or say which of these to take: --tie-break "
            "earliest, latest or smallest"
        )
    if not ranking.ahead:
        name, missing = lead.checkpoint.name, listing(ranking.lacks)
        return (
            f"undecided: {name} leads with {number(lead.eval_accuracy)} over {listing(sorted(ranking.benchmarks))}, "
            f"and {missing}, which others were measured on, is not measured for it: measure that, leave it out "
            f"({option_words('--exclude', name)}), or say that these alone count "
            f"({option_words('--benchmarks', ','.join(sorted(ranking.benchmarks)))})"
        )
    rows = [
        f"{one.name} reports {number(one.score)}"
        + ("" if one.standard_error is None else f" ± {number(one.standard_error)}")
        + f"{f' {one.over}' if one.over else ''} ({one.why})"
        for one in ranking.ahead
    ]
    wanted = dict.fromkeys(one.remedy for one in ranking.ahead)
    of = {remedy: listing([one.name for one in ranking.ahead if one.remedy == remedy], 5) for remedy in wanted}
    remedies = " and ".join(f"{remedy} ({names})" if len(of) > 1 else remedy for remedy, names in of.items())
    score, more = number(lead.eval_accuracy), "less" if lead.sign < 0 else "more"
    more += ", or as much within its error" if any(one.within for one in ranking.ahead) else ""
    more += ", or on another scale" if any(one.why.startswith(OTHER_SCALE) for one in ranking.ahead) else ""
    return (
        f"undecided: of those that can be compared {lead.checkpoint.name} leads with {score}, and what is not ranked "
        f"reports {more}: {listing(rows, 5)}; {remedies}, or leave out knowingly: "
        + option_words("--exclude", *left_out)
    )


def equal_line(ranking: Ranking) -> str:
    """Says that nothing tells the checkpoints apart, and what can be done."""
    equal = candidates(ranking.ranked)
    what = "score" if ranking.smooth == 1 else f"mean over the last {ranking.smooth}"
    score = number(equal[0].sign * equal[0].ranks_by)
    return (
        f"no checkpoint can be told from another: all {len(equal)} have the same {what} {score}; measure more, rank by "
        "other --benchmarks, or say which to take: --tie-break earliest, latest or smallest"
    )


def sure_lines(statistics: Statistics, tied: str) -> list[str]:
    """How sure the choice is, in words."""
    corrected, trend = statistics.corrected, statistics.trend
    lines = [f"tied with it (cannot be told apart at 95 %, model confidence set): {tied or 'none'}"]
    if corrected.standard_error > NO_WIDTH:
        lines.append(
            f"{corrected.name} corrected for having been picked: {number(corrected.value)} ± "
            f"{number(corrected.standard_error)} (standard error), raw {number(corrected.raw)} ({corrected.method})"
        )
    if has_width(trend):
        along = " along the line" if len(trend.names) > 2 else ""
        lines.append(
            f"trend: {trend.verdict} (change{along} from {trend.names[0]} to {trend.names[-1]}: "
            f"{signed(trend.estimate)}, {signed(trend.change.low)} to {signed(trend.change.high)})"
        )
    if corrected.gain is not None:
        estimate, low, high = corrected.gain
        words = f"{signed(estimate)} corrected for having been picked, {signed(low)} to {signed(high)}"
        holds = f"holds for whichever of {len(statistics.standings)} was picked"
        lines.append(
            f"{corrected.name} against {statistics.baseline} ({number(statistics.baseline_score)}): {words} ({holds})"
        )
    if statistics.baseline:
        lines.append(f"differences to {statistics.baseline}: paired, intervals that hold together with 95 % (max-t)")
    return [*lines, f"statistics: {statistics.method}"]


def score_matrix(ranking: Ranking, vocabulary: MetricMapping) -> list[str]:
    """The report's section with every score, of at most twelve checkpoints."""
    columns = ranking.ranked if len(ranking.ranked) <= 12 else (ranking.best, *ranking.tied)[:12]
    matrix = []
    for key in dict.fromkeys(key for r in columns for key in (*r.categories, *r.scores)):
        metric = next((score.metric for r in columns if (score := r.score(key))), None)
        matrix.append(
            [
                ranking.best.title(key, vocabulary.measured_title(key, metric)),
                *(with_interval(r.score(key)) for r in columns),
            ]
        )
    source = " (step-formula: synthetic)" if ranking.synthetic else " [95 % interval], or ± standard error"
    methods = {s.interval.method for r in columns for s in r.scores.values() if s.interval}
    below = [f"Intervals: {'; '.join(sorted(methods))}."] if methods else []
    return [
        f"## Scores{source}",
        markdown_table(["benchmark", *(r.checkpoint.name for r in columns)], matrix),
        *below,
    ]


def distribution_section(ranking: Ranking) -> list[str]:
    """The report's section with the spread of each checkpoint's scores; empty where nothing is known of it."""
    shown = [r for r in ranking.ranked if "benchmarks" in r.distribution]
    if not shown:
        return []
    header = ["checkpoint", "items scored 0 / between / 1", "benchmarks: min, quartiles, max", "0 ── 1"]
    rows = []
    for r in shown:
        items = r.distribution.get("items")
        counts = f"{items['zero']} / {items['between']} / {items['one']}" if items else "–"
        quartiles = ", ".join(number(value, 2) for value in r.distribution["benchmarks"].values())
        rows.append([r.checkpoint.name, counts, quartiles, f"`{histogram_text(r.distribution['histogram'])}`"])
    return ["## Distribution", markdown_table(header, rows)]


def unlike_section(ranking: Ranking, vocabulary: MetricMapping) -> list[str]:
    """The report's section with what could not be compared; empty when all could."""
    if not ranking.unlike:
        return []
    ranked = "These were ranked all the same (`--allow-unlike`)." if ranking.allow_unlike else "These are not ranked."
    rows = []
    for entry in ranking.unlike:
        scores = ", ".join(f"{vocabulary.title(key)} {with_error(score)}" for key, score in entry.scores.items())
        rows.append([entry.checkpoint.name, plain("; ".join(entry.reasons)), plain(scores)])
    return ["## Not comparable", ranked, markdown_table(["checkpoint", "why", "scores (± std. error)"], rows)]


def render_report(ranking: Ranking, vocabulary: MetricMapping, figures: Sequence[str]) -> str:
    """The Markdown report: outcome, ranking, scores by benchmark and their spread, what was left out."""
    header, rows, _ = table_rows(ranking, vocabulary, len(ranking.ranked))
    parts = [
        "# Checkpoint ranking",
        "\n".join(f"- {plain(line)}" for line in summary_lines(ranking)),
        markdown_table(header, rows),
    ]
    parts += [f"![{Path(name).stem.replace('_', ' ')}]({name})" for name in figures if name.endswith(".png")]
    parts += unlike_section(ranking, vocabulary)
    parts += score_matrix(ranking, vocabulary)
    parts += distribution_section(ranking)
    if ranking.harnesses:
        parts.append(f"Measured with {plain(', '.join(ranking.harnesses))}.")
    left = [f"- {plain(s.name)}: {plain(s.reason)}" for s in ranking.skipped if s.reason != NO_CHECKPOINT]
    left += [f"- {plain(f['task'])} failed for {plain(f['checkpoint'])}: {plain(f['error'])}" for f in ranking.failures]
    if left:
        parts += ["## Left out, and notes", "\n".join(left)]
    return "\n\n".join(parts) + "\n"


def table_text(ranking: Ranking, vocabulary: MetricMapping) -> str:
    """The ranking for stdout: a rich table on a terminal, a Markdown one in a pipe."""
    header, rows, hidden = table_rows(ranking, vocabulary, TABLE_ROWS)
    lines = [rich_table(header, rows, ranking.score_source) if sys.stdout.isatty() else markdown_table(header, rows)]
    if ranking.synthetic:
        lines.insert(0, "SYNTHETIC: computed from the step numbers alone; no weights were read, nothing was measured\n")
    lines += ["", *summary_lines(ranking)]
    if hidden:
        lines.append(f"the best {len(rows)} of {len(ranking.ranked)} are shown; --json and --report have all")
    if len(ranking.best.categories) > TABLE_COLUMNS:
        lines.append("scores by benchmark: --report FILE.md, --figures DIR or --json")
    return "\n".join(lines)


# --- parts/records/command.py -----------------------------------------------------------------------------------------

OWN_SCRIPT = re.compile(r"(?:\S*/)?((?:lighteval_vllm|lm_eval_vllm|inspect_vllm|inspect_eval)_uv\.py)")
# Settings of a measurement with a value of one plain word.
PLAIN_OPTIONS = ("--backend", "--batch-size", "--data-parallel-size", "--device", "--dtype", "--limit")
PLAIN_OPTIONS += ("--gpu-memory-utilization", "--max-connections", "--max-model-len", "--max-tokens", "--provider")
PLAIN_OPTIONS += ("--repeats", "--seed", "--temperature", "--tensor-parallel-size")
TEXT_OPTIONS = {"--system-prompt": 1, "--reasoning-tags": 2}  # -> number of values, any text of one line
FLAGS = ("--use-chat-template",)
# They run code, read files, or send to somewhere: never out of a record.
YOURS = ("--base-url", "--custom-tasks", "--map", "--questions", "--sandbox", "--score", "--shots", "--shots-from")
YOURS += ("--template", "--trust-remote-code")
SCORING_SCRIPT = re.compile(r"(?:\S*/)?(score_predictions\.py)")
SCORING_REPEATED = ("--metric", "--benchmark", "--map")
SCORING_OPTIONS = ("--normalize", "--tokenize", "--stemmer", "--unicode", "--unparsed-as-wrong", "--shots", "--level")
SCORING_OPTIONS += ("--parse", "--positive", "--rating-range", "--empty-cells", "--bins", "--clip", "--threshold")
SCORING_OPTIONS += ("--hidden-reference", "--mid-anchor", "--no-screening", "--reasoning-tags", "--anchor")
PLAIN_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:%+-]*", re.ASCII)
TASK = re.compile(r"[A-Za-z0-9_][\w.:|+() -]*", re.ASCII)
TASK_FILE = re.compile(r"\.(?:py|ya?ml|jsonl?|txt|ipynb)\b", re.IGNORECASE)
MODEL = re.compile(r"[\w./~][\w./@:+~ -]*")
LONGEST_VALUE = 4000


@dataclass(frozen=True, slots=True)
class Carried:
    """An earlier command's script, the words that another command may take over, and the options that it may not."""

    script: str
    words: tuple[str, ...]
    yours: tuple[str, ...]


def carried_options(command: str, without: Sequence[str] = ()) -> Carried | None:
    """What the next command takes over from a record's; None when it is no command of one of the measuring scripts.

    Options are read as `--name value` and `--name=value`, the last one counts; those of `without` are passed over.
    """
    script, found = options_of(command, OWN_SCRIPT)
    if not script:
        return None
    kept = {name: values for name, values in found.items() if name not in without and may_be_carried(name, values)}
    known = (*PLAIN_OPTIONS, *TEXT_OPTIONS, *FLAGS, *YOURS)
    yours = tuple(name for name in found if name in known and name not in kept and name not in without)
    words = tuple(word for name, values in kept.items() for word in (name, *values))
    return Carried(script, words, yours)


def options_of(command: str, script: re.Pattern[str]) -> tuple[str, dict[str, list[str]]]:
    """(a script's name, the options behind it with their values) in a command line; ("", {}) for another command."""
    try:
        given = shlex.split(command)
    except ValueError:
        return "", {}
    start = next((i for i, word in enumerate(given) if script.fullmatch(word)), None)
    if start is None:
        return "", {}
    found: dict[str, list[str]] = {}
    values: list[str] = []
    for word in given[start + 1 :]:
        if word.startswith("--"):
            name, equals, value = word.partition("=")
            many = name in SCORING_REPEATED
            values = found.setdefault(name, []) if many else []
            found[name] = values
            values += [value] if equals else []
        else:
            values.append(word)
    return script.fullmatch(given[start])[1], found


def scoring_options(command: str) -> tuple[str, ...]:
    """The words of a command of score_predictions.py that say how was scored: no file, no place, nobody's name."""
    _, found = options_of(command, SCORING_SCRIPT)
    words: list[str] = []
    for name, values in found.items():
        if name in SCORING_REPEATED:
            words += [word for value in values if is_one_line(value) for word in (name, value)]
        elif name in SCORING_OPTIONS and all(map(is_one_line, values)) and len(values) < 3:
            words += [name, *values]
    return tuple(words)


def may_be_carried(option: str, values: Sequence[str]) -> bool:
    """Whether a record's option says how was measured, and has the values that it may have."""
    if option in FLAGS:
        return not values
    if option in PLAIN_OPTIONS:
        return len(values) == 1 and is_plain_word(values[0])
    return len(values) == TEXT_OPTIONS.get(option) and all(map(is_one_line, values))


def is_plain_word(value: str) -> bool:
    """Whether a setting's value is one word without a path, a comma or a sign that a harness takes for more."""
    return len(value) <= 100 and PLAIN_WORD.fullmatch(value) is not None


def is_one_line(value: str) -> bool:
    """Whether a text may be a word of a command: of one line, visible, and not like an option."""
    seen = not any(unicodedata.category(sign) in NOT_ON_A_LINE for sign in value)
    return seen and 0 < len(value) <= LONGEST_VALUE and not value.startswith("-")


def is_model_word(model: str) -> bool:
    """Whether a model's id or folder can be taken for nothing else, by a shell or among a harness's arguments."""
    return MODEL.fullmatch(model) is not None and is_one_line(model)


def is_task_name(task: str) -> bool:
    """Whether this names a task, and not an option, nor a file or folder from which a harness would load code."""
    plain = TASK.fullmatch(task) is not None and not TASK_FILE.search(task)
    return plain and len(task) <= 300 and not Path(task).exists()


def checked_task(task: str, file: str) -> str:
    """The task's name; ScriptError when what the record of this file calls so is none."""
    if is_task_name(task):
        return task
    shown = single_line(task)[:100]
    raise ScriptError(f"{file}: {shown!r} is no name of a task, or a file here has that name: it gets no command")


def yours_to_name(options: Sequence[str]) -> str:
    """Says which options a record's command had and the printed one has not; '' without any."""
    if not options:
        return ""
    file = "; its task file is yours to name: --custom-tasks FILE" if "--custom-tasks" in options else ""
    return f"not taken over from the record, to be given by you where you trust it: {', '.join(options)}{file}"


# --- parts/ranking/race_plan.py ---------------------------------------------------------------------------------------

FEW_ATTEMPTS = 30
FOLDERS_BESIDE = 30  # folders beside that of the checkpoints in which a harness's results are looked for
CHOSEN_AMONG = 30  # models that are named in a command to choose among them
WHOLE_SETS = "score_predictions"  # whose records are of all lines of a file, unless they say a limit
# Whose limited runs ask a random part of the items. Others take the data set's first ones, which may be one subject.
DRAWN_AT_RANDOM = {"lighteval", "score_predictions", "helm", "olmes", "simple-evals"}


@dataclass(frozen=True, slots=True)
class Request:
    """Tasks that were asked for by one name, as mmlu|5 stands for 57.

    size: how many there are; tasks: those that are measured -> the harness's names; options: of that run, None when
    another program made it; output_dir: where its records are.
    """

    name: str
    size: int
    tasks: Mapping[str, str]
    options: tuple[str, ...] | None
    output_dir: str


def command_to_measure(
    requests: Iterable[Request], raced: Sequence[str], models: Sequence[str], limit: int | None
) -> str | None:
    """The command that measures the raced tasks as they were, several with && between where their options differ.

    It is one line, every word quoted for a shell. None when another program made the records.
    """
    groups: dict[tuple[tuple[str, ...], str], list[str]] = defaultdict(list)
    for request in requests:
        wanted = [name for task, name in request.tasks.items() if task in raced]
        if wanted and request.options is None:
            return None
        if wanted:
            whole = len(wanted) == request.size
            groups[request.options or (), request.output_dir] += [request.name] if whole else wanted
    limits = ["--limit", str(limit)] if limit else []
    script = run_line("lighteval_vllm_uv.py")
    before = ["--model", *map(Path, models), "--tasks"]
    return " && ".join(
        f"{script} {command_line_of([*before, ','.join(names), *options, *limits, '--output-dir', Path(output_dir)])}"
        for (options, output_dir), names in groups.items()
    )


def check_requests(requests: Iterable[Request]) -> None:
    """ScriptError when a run of several tasks was stopped before each of them was measured at least once."""
    for request in requests:
        if len(request.tasks) < request.size:
            raise ScriptError(
                f"{request.name} has {request.size} tasks, of which {len(request.tasks)} are measured: give the "
                "command that measures them again (it goes on), or choose tasks with --benchmarks"
            )


def items_asked(result: Result) -> tuple[int, int]:
    """(items that were asked, items that the task has) of a result; ScriptError when its record does not say."""
    run = result.run
    size = run.size or (None if run.limit else result.attempts.made)
    if not size or (run.limit and not run.limit.isdecimal()):
        raise ScriptError(f"{result.file}: it does not say how many items {result.task} has; evaluate it again")
    return min(int(run.limit), size) if run.limit else size, size


def resolve_options(args: argparse.Namespace, vocabulary: MetricMapping) -> Options:
    """The options that decide how scores become one number; ScriptError for names that are not known."""
    keys = None
    if args.benchmarks:
        names = (part.strip() for part in args.benchmarks.split(",") if part.strip())
        keys = [vocabulary.key(name) or name for name in names]  # one's own by its records' name
    overall = "mean of the categories"
    if args.weights:
        overall = f"weighted mean of the categories (weights: {args.weights})"
    if args.score_function:
        overall = f"result of {args.score_function}"
    return Options(
        tuple(dict.fromkeys(keys)) if keys else None,
        read_weights(args.weights, vocabulary),
        3 if args.weights == "reference" else None,
        read_own_function("--score-function", args.score_function)[0] if args.score_function else None,
        frozenset(args.result_id or ()),
        overall,
        args.allow_unlike,
        args.draws,
        args.seed,
        args.smooth,
        args.tie_break,
        args.baseline_step,
        args.baseline_model,
    )


def make_ranking(args: argparse.Namespace, vocabulary: MetricMapping) -> Ranking:
    """Scan, read and rank; remarks go to stderr."""
    options = resolve_options(args, vocabulary)
    root = Path(args.checkpoints)
    folders = [Path(folder) for folder in args.results] if args.results else [root]
    checkpoints, skipped = run_checkpoints(args, folders, vocabulary)
    if args.scoring == "step-formula":
        return settled(rank_by_formula(checkpoints, skipped, vocabulary, options), weight_sizes(args, checkpoints))
    base = Checkpoint(args.baseline_model, Path(args.baseline_model), None) if args.baseline_model else None
    results, failures, strangers = read_measured(folders, checkpoints, vocabulary, args.cluster_by, base)
    if not results and not args.results and (beside := results_beside(root)):
        found = read_measured([root, *beside], checkpoints, vocabulary, args.cluster_by, base)
        if found[0]:
            folders, (results, failures, strangers) = [root, *beside], found
            note(f"records beside the checkpoints: {listing(os.path.relpath(path) for path in beside)}")
    if base is not None and not results.get(base):
        raise ScriptError(
            f"--baseline-model {base.name}: no record of it below {listing(map(str, folders))}; there are others of "
            f"{listing(dict.fromkeys(strangers)) or 'no model'}: give its folder, too, with --results"
        )
    if strange := [model for model in strangers if model.rpartition("/")[2] not in (args.exclude or ())]:
        told = (
            "1 record is about another model and was"
            if len(strange) == 1
            else (f"{len(strange)} records are about other models and were")
        )
        note(f"{told} left out: {listing(dict.fromkeys(strange))}")
        refuse_measured_others(root, folders, checkpoints, skipped, strange)
    for failure in failures[:10]:
        note(f"failed: {failure['task']} for {failure['checkpoint']}: {failure['error']} ({failure['file']})")
    if len(failures) > 10:
        note(f"{len(failures) - 10} more failed; --json lists them")
    if results:
        compared = [*checkpoints, base] if base is not None else checkpoints
        ranking = rank_measured_run(args, compared, results, failures, vocabulary, options)
        return replace(ranking, skipped=(*skipped, *ranking.skipped), failures=tuple(failures))
    searched = folders if not strangers and (args.results or args.scoring == "measured") else ()
    if other := next(filter(None, (other_results(folder, root) for folder in searched)), ""):
        raise ScriptError(f"no record below {listing(map(str, folders))}; {other}")
    if args.scoring == "measured":
        raise ScriptError(
            f"no record about these checkpoints below {listing(map(str, folders))}; evaluate them with "
            + run_line("lighteval_vllm_uv.py")
        )
    refuse_formulas(checkpoints, folders, strangers, root)
    if not args.results and (other := unconverted_beside(root)):
        raise ScriptError(
            f"no record of these checkpoints; {other} (--scoring step-formula ranks by formulas all the same)", code=3
        )
    if args.results:
        raise ScriptError(
            f"no record about these checkpoints below {listing(map(str, folders))}: give the folder that has them, or "
            "evaluate them (--scoring step-formula ranks by formulas, which measure nothing)"
        )
    note(
        "warning: no measured score for these checkpoints. What follows is SYNTHETIC: the step formulas compute it "
        f"from the step number, no weights were read. Records were looked for below {listing(map(str, folders))}: give "
        "--results DIR if they are elsewhere, else evaluate with scripts/lighteval_vllm_uv.py"
    )
    return settled(rank_by_formula(checkpoints, skipped, vocabulary, options), weight_sizes(args, checkpoints))


def run_checkpoints(
    args: argparse.Namespace, folders: Sequence[Path], vocabulary: MetricMapping
) -> tuple[list[Checkpoint], list[Skipped]]:
    """The checkpoints of a folder that take part, and what else is in it with the reason; remarks go to stderr."""
    root = Path(args.checkpoints)
    scanned = find_checkpoints(root, folders if args.results else ())
    known = [*scanned.others, *(entry.name for entry in scanned.skipped)]
    checkpoints, excluded = without_excluded(scanned.checkpoints, args.exclude, known)
    scanned.others = [name for name in scanned.others if name not in excluded]
    scanned.skipped = [entry for entry in scanned.skipped if entry.name not in excluded]
    lines = list(dict.fromkeys(f"skipped {entry.name}: {entry.reason}" for entry in scanned.skipped))
    for line in lines[:10]:
        note(line)
    if len(lines) > 10:
        note(f"skipped {len(lines) - 10} more; --json lists them")
    if scanned.others:
        note(f"left alone, no checkpoints by their names: {listing(scanned.others)}")
    if not checkpoints and (way := way_without_weights(list(dict.fromkeys([root, *folders])), vocabulary)):
        raise ScriptError(f"{root}: no complete checkpoint in it; {way}")
    check_steps(checkpoints, root)
    if args.smooth > 1 and len(runs := run_folders(checkpoints)) > 1:
        raise ScriptError(
            f"--smooth {args.smooth}: the last {args.smooth} checkpoints would be of several runs "
            f"({listing(os.path.relpath(run, root) for run in runs)}); give the folder of one",
            code=3,
        )
    left = [(name, EXCLUDED) for name in excluded] + [(name, NO_CHECKPOINT) for name in scanned.others]
    return checkpoints, [*scanned.skipped, *(Skipped(*one) for one in left)]


def way_without_weights(folders: Sequence[Path], vocabulary: MetricMapping) -> str:
    """What to do with results of checkpoints that are not on this machine; empty where there are none."""
    models = [model for model in dict.fromkeys(read_measured(folders, [], vocabulary)[2]) if is_model_word(model)]
    if not models:
        return next(filter(None, map(other_results, folders)), "")
    results = ["--results", *(folder for folder in folders if record_files([folder]))]
    choose = ["compare_results.py", "--rule", "choose", "--candidate", *models]
    script, *words = choose if 1 < len(models) <= CHOSEN_AMONG else ["leaderboard.py", "collect"]
    command = f"{run_line(script)} {command_line_of([*words, *results])}"
    return f"there are records of {listing(models)}, which are read without the weights: {command}"


def refuse_measured_others(
    root: Path,
    folders: Sequence[Path],
    checkpoints: Sequence[Checkpoint],
    skipped: Sequence[Skipped],
    strangers: Sequence[str],
) -> None:
    """Exit 3 where a model in the folder was measured and is not ranked, for it has no checkpoint's name ("best",
    "step-2k") or is incomplete now: it may be the best of them, or none of the run."""
    models = {name.rpartition("/")[2]: name for name in strangers}
    left = {entry.name: entry.reason for entry in skipped if Path(entry.name).name in models}
    own = [name for name, reason in left.items() if reason == NO_CHECKPOINT]
    none = {name for name in own if not holds_model(root / name) or same_weights(root / name, checkpoints)}
    if found := [name for name in left if name not in none]:
        run = sorted({name.rpartition("/")[0] for name in (models[Path(name).name] for name in found)})
        ranked = [f"{run[0]}/{checkpoint.name}" if run[0] else checkpoint.name for checkpoint in checkpoints]
        choose = ["--rule", "choose", "--candidate", *ranked, *(models[Path(name).name] for name in found)]
        command = f"{run_line('compare_results.py')} {command_line_of([*choose, '--results', *folders])}"
        raise ScriptError(
            f"{listing(f'{name} ({left[name]})' for name in found)} in {root}: measured, and not ranked here: to "
            f"compare all of them {command}; to leave out knowingly {option_words('--exclude', *found)}",
            code=3,
        )


def without_excluded(
    found: Sequence[Checkpoint], names: Sequence[str] | None, others: Sequence[str] = ()
) -> tuple[list[Checkpoint], list[str]]:
    """The checkpoints but those of --exclude, and the names of these; ScriptError for one that is not there.

    others: what else is there, and may be left out by its name.
    """
    there = [*(checkpoint.name for checkpoint in found), *others]
    for name in names or ():
        if name not in there:
            raise ScriptError(f"--exclude {single_line(name)}: no such checkpoint{nearest(name, there)}")
    left = [checkpoint for checkpoint in found if checkpoint.name not in (names or ())]
    if names and not left:
        raise ScriptError("--exclude: no checkpoint is left")
    return left, [name for name in there if name in (names or ())]


def unconverted_beside(root: Path) -> str:
    """What to say of a harness's own results in or beside the folder of checkpoints; empty where there are none."""
    own, beside = os.path.realpath(root), []
    with contextlib.suppress(OSError), os.scandir(os.path.dirname(own)) as found:
        names = sorted(entry.path for entry in found if entry.is_dir(follow_symlinks=False) and entry.name[0] != ".")
        beside = [Path(os.path.relpath(path)) for path in names[:FOLDERS_BESIDE] if path != own]
    return next(filter(None, (other_results(folder, root) for folder in (root, *beside))), "")


def refuse_formulas(
    checkpoints: Sequence[Checkpoint], folders: Sequence[Path], strangers: Sequence[str], root: Path
) -> None:
    """Exit 3 where there are records that a ranking by formulas would pass over, for they are of other names.

    Names that end as checkpoints' do ("run/step_100") come of a conversion without the folder of these; the command
    with it binds them.
    """
    formulas = "--scoring step-formula ranks by formulas all the same"
    if not strangers:
        return
    names, how = {checkpoint.name for checkpoint in checkpoints}, "give the folder of their checkpoints, or --results"
    if any(name.rpartition("/")[2] in names for name in strangers):
        again = command_line_of(["FILES", "--checkpoints", root, "--output-dir", "results"])
        again = f"their harness's own files: {run_line('convert_results.py')} {again} makes records of them"
        made = next(filter(None, (other_results(folder, root) for folder in folders)), again)
        how = f"if they are of these, convert them with the checkpoints named; {made}"
    raise ScriptError(
        f"the records below {listing(map(str, folders))} are about {listing(dict.fromkeys(strangers))}, and not "
        f"about {listing(checkpoint.name for checkpoint in checkpoints)}: {how}; {formulas}",
        3,
    )


def results_beside(root: Path) -> list[Path]:
    """The folders of results of a run whose checkpoints lie in a folder of their own."""
    places = (root.parent / "results", root.parent.parent / "results", root.parent / f"{root.name}_results")
    real = {os.path.realpath(path): path for path in places if path.is_dir()}
    return [path for name, path in real.items() if not Path(name).is_relative_to(os.path.realpath(root))]


def rank_measured_run(
    args: argparse.Namespace,
    checkpoints: Sequence[Checkpoint],
    results: Mapping[Checkpoint, Sequence[Result]],
    failures: Sequence[dict[str, Any]],
    vocabulary: MetricMapping,
    options: Options,
) -> Ranking:
    """Choose the results, read their samples, rank, and say how sure it is; remarks go to stderr."""
    chosen, left, lines, dropped = choose_measured(checkpoints, results, failures, vocabulary, options)
    samples = samples_by_task(chosen, args.cluster_by)
    ranking = rank_by_records(chosen, samples, vocabulary, options, dropped)
    ranking = replace(ranking, skipped=tuple(left), notes=(*lines, *ranking.notes))
    for line in ranking.notes if args.json else ():  # a table has them below it
        note(f"note: {line}")
    for entry in ranking.unlike:
        what = "ranked all the same" if ranking.allow_unlike else "not ranked"
        note(f"not comparable, {what}: {entry.checkpoint.name}: {'; '.join(entry.reasons)}")
    if options.baseline_step is not None:
        refuse_baseline(options.baseline_step, checkpoints, ranking)
    if args.draws:
        from threadpoolctl import threadpool_limits

        compared = [*ranking.ranked, *([ranking.base] if ranking.base else [])]
        own = {r.checkpoint: samples[r.checkpoint] for r in compared}
        items = align_items(own)
        ranking = replace(ranking, notes=(*ranking.notes, *(lines := [*grouped_lines(items), *unpaired_lines(own)])))
        for line in lines if args.json else ():
            note(f"note: {line}")
        # The matrix products are small: threads that wait for each other on a busy machine cost more than they save.
        with threadpool_limits(1):
            ranking = with_statistics(ranking, items, vocabulary, options)
    else:
        ranking = replace(ranking, no_statistics="left out (--draws 0)")
    if not ranking.statistics and args.draws:
        note(f"no statistics: {ranking.no_statistics}")
    ranking = settled(ranking, weight_sizes(args, checkpoints))
    best = ranking.best.checkpoint
    return replace(ranking, counted=tuple(chosen[best]), measured=tuple(results[best]))


def refuse_baseline(step: int, checkpoints: Sequence[Checkpoint], ranking: Ranking) -> None:
    """ScriptError with the known reason when the checkpoint of this step is there and is not compared."""
    name = next((c.name for c in checkpoints if c.step == step), "")
    reasons = [f"not comparable: {'; '.join(u.reasons)}" for u in ranking.unlike if u.checkpoint.name == name]
    reasons += [s.reason for s in ranking.skipped if s.name == name]
    if name in {r.checkpoint.name for r in ranking.ranked}:
        reasons.append(f"it has no mean over the last {ranking.smooth}")
    compared = candidates(ranking.ranked)
    if reasons and name not in {r.checkpoint.name for r in compared}:
        steps = listing((str(r.checkpoint.step) for r in compared), 20)
        raise ScriptError(
            f"--baseline-step {step}: {name} is not compared ({reasons[0]}); compared are the steps {steps}"
        )


def unpaired_lines(samples: Mapping[Checkpoint, Mapping[str, Samples]]) -> list[str]:
    """What is said where some of the compared checkpoints have the items of a task and others not."""
    lacking: dict[tuple[str, ...], list[str]] = {}
    for task in dict.fromkeys(task for own in samples.values() for task in own):
        lacking.setdefault(tuple(c.name for c, own in samples.items() if task not in own), []).append(task)
    return [
        f"the items of {listing(tasks, 3)} are not here for {listing(names)}: nothing is paired in it; with "
        f"{option_words('--exclude', *names)} the others are, which tells more of them apart"
        for names, tasks in lacking.items()
        if names
    ]


def grouped_lines(items: Mapping[str, ItemScores]) -> list[str]:
    """What is said where items are drawn together by a field that nobody has named."""
    return [
        f"{task}: items of one {own.grouped_by[0]} agree with one another (design effect {own.grouped_by[1]:.1f}) and "
        "are drawn together; --cluster-by names another field, or none"
        for task, own in items.items()
        if own.grouped_by
    ]


def weight_sizes(args: argparse.Namespace, checkpoints: Sequence[Checkpoint]) -> dict[str, int]:
    """Bytes of weights by checkpoint name, when --tie-break smallest asks for them."""
    if args.tie_break != "smallest":
        return {}
    return {c.name: sum(path.stat().st_size for path in weight_files(c.path)) for c in checkpoints}


def race_results(
    args: argparse.Namespace, vocabulary: MetricMapping, options: Options
) -> tuple[list[Checkpoint], dict[Checkpoint, list[Result]]]:
    """All checkpoints, and what is measured of the chosen benchmarks, every run of it; ScriptError when nothing is."""
    root = Path(args.checkpoints)
    folders = [Path(folder) for folder in args.results] if args.results else [root]
    checkpoints, _ = run_checkpoints(args, folders, vocabulary)
    if len(checkpoints) == 1:
        raise ScriptError(f"{root}: {checkpoints[0].name} is the only checkpoint; there is nothing to choose")
    results, failures, _ = read_measured(folders, checkpoints, vocabulary, args.cluster_by)
    for failure in failures[:10]:
        note(f"failed: {failure['task']} for {failure['checkpoint']}: {failure['error']} ({failure['file']})")
    wanted = wanted_keys(options.benchmarks, results, vocabulary) if options.benchmarks else None
    results = {c: [r for r in results.get(c, ()) if wanted is None or r.key in wanted] for c in checkpoints}
    if not any(results.values()):
        words = ["--model", checkpoints[0].path, "--tasks", "TASKS", "--limit", "1", "--output-dir", folders[0]]
        raise ScriptError(
            f"no record about these checkpoints below {listing(map(str, folders))}: try the tasks with one item first, "
            f"{run_line('lighteval_vllm_uv.py')} {command_line_of(words)}"
        )
    return checkpoints, results


def race_tasks(
    results: Mapping[Checkpoint, Sequence[Result]],
    vocabulary: MetricMapping,
    options: Options,
    cluster_by: str | None = None,
) -> tuple[list[RaceTask], dict[str, list[Result]]]:
    """The tasks that enter eval_accuracy, with the scores on their items; and the results of every measured task.

    ScriptError when one has no usable samples, or when the checkpoints were not measured alike.
    """
    wanted = asked_results(options.result_ids, results)
    results, lines = one_content(results)
    chosen = {c: chosen_results(rows, c.name, vocabulary, wanted) for c, rows in results.items() if rows}
    for line in lines:
        note(f"note: {line}")
    samples = samples_by_task(chosen, cluster_by)
    by_task: dict[str, dict[Checkpoint, Result]] = defaultdict(dict)
    for checkpoint, rows in chosen.items():
        for result in rows:
            by_task[result.task][checkpoint] = result
    some = [next(iter(own.values())) for own in by_task.values()]
    first = rank_measured(next(iter(chosen)), some, {r.key for r in some}, vocabulary, options)
    weights = task_weights(by_task, vocabulary, options, first)
    places = {checkpoint: i for i, checkpoint in enumerate(results)}
    tasks = []
    for task, weight in weights.items():
        if weight > 0:
            check_alike(task, by_task[task].values(), options.allow_unlike)
            check_drawn(task, by_task[task].values(), options.allow_unlike)
            tasks.append(race_task(task, weight, by_task[task], samples, places))
    return tasks, {task: list(own.values()) for task, own in by_task.items()}


def check_alike(task: str, results: Iterable[Result], allowed: bool) -> None:
    """ScriptError when a task was not measured in the same way for all, or not validly."""
    first, *others = list(results)
    for other in (first, *others):
        tried = (other.attempts.made or 0) >= FEW_ATTEMPTS  # the share of bad answers among a first few says nothing
        reasons = [
            *(other.run.validity.reasons if tried else ()),
            *difference_lines(setting_differences(first.run, other.run)),
        ]
        if reasons and not allowed:
            raise ScriptError(
                f"{task} was not measured alike, or not validly: {'; '.join(reasons)[:300]} ({other.file}); give the "
                "folder of one run with --results, or race them all the same with --allow-unlike"
            )


def check_drawn(task: str, results: Iterable[Result], allowed: bool) -> None:
    """ScriptError (3) when a part of the items was measured that is no random draw: the rest may say otherwise."""
    for result in results:
        asked, size = items_asked(result)
        if asked < size and result.run.harness[0] not in DRAWN_AT_RANDOM and not allowed:
            raise ScriptError(
                f"{task}: {result.run.harness[0]} asked the first {asked} of {size} items, in the data set's order and "
                f"not at random, so they do not stand for the others ({result.file}): measure with "
                f"{run_line('lighteval_vllm_uv.py')}, or all items; where they are known to be shuffled, race all the "
                "same with --allow-unlike",
                3,
            )


def race_task(
    task: str,
    weight: float,
    results: Mapping[Checkpoint, Result],
    samples: Mapping[Checkpoint, Mapping[str, Samples]],
    places: Mapping[Checkpoint, int],
) -> RaceTask:
    """A task of the race from its results' samples; checkpoints without a result have no scores."""
    import numpy as np

    whole = [result.file for result in results.values() if result.run.harness[0] == WHOLE_SETS and not result.run.limit]
    if whole:
        raise ScriptError(
            f"{whole[0]}: a record of all predictions of {task}: nothing is left to save by a race, and it says not "
            "which items a round asked for; rank without --plan-next, or score a round's items alone with "
            "scripts/score_predictions.py --items-of PLAN (a plan's JSON; to begin with, 1)"
        )
    without = [
        result.file
        for checkpoint, result in results.items()
        if task not in samples[checkpoint] or samples[checkpoint][task].formula
    ]
    if without:
        raise ScriptError(
            f"{without[0]}: no samples that average to the score of {task}: it cannot be raced; choose others with "
            "--benchmarks, or compare full runs without --plan-next"
        )
    items = align_items({checkpoint: {task: samples[checkpoint][task]} for checkpoint in results})[task]
    low, high = float(np.nanmin(items.scores)), float(np.nanmax(items.scores))
    if low < 0 or high > 1:
        raise ScriptError(f"{task}: an item's score is outside 0 to 1 ({low:g} to {high:g}): it cannot be raced")
    counts = {checkpoint: items_asked(result) for checkpoint, result in results.items()}
    sizes = {size for _, size in counts.values()}
    if len(sizes) > 1:
        raise ScriptError(f"{task}: its records disagree on how many items it has: {listing(map(str, sorted(sizes)))}")
    scores = np.full((len(places), len(items.item_ids)), math.nan)
    scores[[places[checkpoint] for checkpoint in results]] = items.scores
    asked = tuple(counts[checkpoint][0] if checkpoint in counts else 0 for checkpoint in places)
    order = draw_order(task, items.item_ids, scores)
    return RaceTask(task, weight, sizes.pop(), scores[:, order], asked)


def samples_sent(results: Mapping[Checkpoint, Sequence[Result]], tasks: Iterable[RaceTask]) -> int:
    """How many samples all runs of the race's tasks have sent, repeated items counted."""
    names = {task.name for task in tasks}
    return sum(
        {(r.file, r.task): items_asked(r)[0] for rows in results.values() for r in rows if r.task in names}.values()
    )


def measured_requests(results: Mapping[str, Sequence[Result]], folder: str, task_file: str | None) -> list[Request]:
    """The requests behind the results of some tasks; ScriptError when a task file has changed since.

    task_file: the one that the user has named for tasks that come from one.
    """
    found: dict[str, Request] = {}
    said: set[str] = set()
    for task, rows in results.items():
        file = rows[0].file
        library = (read_record(Path(file)) or {}).get("eval_library") or {}
        details = library.get("additional_details") or {}
        name, size = str(details.get("task_request")), str(details.get("task_group"))
        parents = PurePosixPath(file).parents
        output_dir = str(parents[4]) if len(parents) > 4 and parents[3].name == "data" else folder
        options = options_again(details, output_dir, task_file, said)
        if options is not None:
            checked_task(name, file)
        request = found.setdefault(name, Request(name, count_in(size) or 1, {}, options, output_dir))
        own = str(details.get("task"))
        found[name] = replace(
            request, tasks={**request.tasks, task: checked_task(own, file) if options is not None else own}
        )
    for line in sorted(said):
        note(line)
    return list(found.values())


def options_again(
    details: Mapping[str, Any], output_dir: str, named: str | None, said: set[str]
) -> tuple[str, ...] | None:
    """The options with which a record's tasks are measured again, whatever is left to the user put among the said.

    None when not lighteval_vllm_uv.py measured them, or with a setting that no command takes from a record: without it
    they would be measured in another way.
    """
    carried = carried_options(str(details.get("command") or ""), ("--limit",))
    task_file = checked_task_file(details, output_dir, named)
    if carried is None or carried.script != "lighteval_vllm_uv.py":
        return None
    left = [option for option in carried.yours if option != "--custom-tasks" or not task_file]
    said |= {yours_to_name(left)} - {""}
    if set(left) - set(YOURS):
        return None
    return (*carried.words, *(("--custom-tasks", path_word(task_file)) if task_file else ()))


def checked_task_file(details: Mapping[str, Any], output_dir: str, named: str | None) -> str | None:
    """The task file of a record, which lighteval would run; None when it has none.

    ScriptError unless it is the file that the record was made with, and one of the user's: named by --custom-tasks, or
    below the current folder and in another folder of it than the records, with which it may have come.
    """
    path, digest = str(details.get("custom_tasks")), details.get("custom_tasks_sha256")
    if path in ("", "None"):
        return None
    path = named or path
    shown = single_line(path)
    try:
        file = Path(os.path.realpath(Path(path).expanduser()))
        same = code_sha256(file) == digest if file.stat() and is_one_line(path_word(path)) else False
    except (OSError, RuntimeError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise ScriptError(f"--custom-tasks {shown}: {why}; start where the records were made") from error
    if not same:
        raise ScriptError(f"--custom-tasks {shown}: not the file that the records were made with; restore it")
    here, records = Path(os.path.realpath(".")), Path(os.path.realpath(output_dir))
    apart = file.parent == here or not records.is_relative_to(here / file.relative_to(here).parts[0]) if (
        file.is_relative_to(here)
    ) else False  # fmt: skip
    if not named and not apart:
        raise ScriptError(
            f"--custom-tasks {shown}: a record names this file, and it is outside the current folder, or came with the "
            "records: no command that runs it is given. Its task file is yours to name: read it, then add "
            f"{command_line_of(['--custom-tasks', Path(path)])}",
            3,
        )
    return path


def what_next(
    args: argparse.Namespace,
    state: Race,
    checkpoints: Sequence[Checkpoint],
    tasks: Sequence[RaceTask],
    behind: Mapping[str, Sequence[Result]],
) -> dict[str, Any]:
    """What an undecided race measures next, and how many samples it takes at most."""
    sizes = [task.size for task in tasks]
    now = state.rounds[state.number - 1]
    limit = now.limit if now.limit < max(sizes) else None
    requests = measured_requests(behind, (args.results or [args.checkpoints])[0], args.custom_tasks)
    if args.custom_tasks and not any("--custom-tasks" in (request.options or ()) for request in requests):
        raise ScriptError(f"--custom-tasks {args.custom_tasks}: no record was made with a task file; leave it out")
    if not args.benchmarks:
        check_requests(requests)
    models = [checkpoints[i].path.as_posix() for i in state.waiting]
    return {
        "samples_left": samples_needed(
            [replace(now, checkpoints=len(state.waiting)), *state.rounds[state.number :]], sizes
        ),
        "next": {"checkpoints": [checkpoints[i].name for i in state.waiting], "limit": limit},
        "next_command": command_to_measure(requests, [task.name for task in tasks], models, limit),
    }


def plan_next(args: argparse.Namespace, vocabulary: MetricMapping) -> int:
    """Say who is out, who remains, and what to measure next; 0 when that is decided, 3 while it is not."""
    options = resolve_options(args, vocabulary)
    checkpoints, results = race_results(args, vocabulary, options)
    tasks, behind = race_tasks(results, vocabulary, options, args.cluster_by)
    sizes = [task.size for task in tasks]
    rounds = race_rounds(len(checkpoints), sizes, args.race_budget)
    state = race(tasks, rounds, args.race_alpha)
    names = [checkpoint.name for checkpoint in checkpoints]
    plan = {"schema_version": RANKING_SCHEMA} | race_json(state, names, tasks, args.race_alpha)
    plan |= {"sent": samples_sent(results, tasks), "all_samples": len(checkpoints) * sum(sizes)}
    plan |= {"samples_left": 0, "next": None, "next_command": None}
    if state.waiting:
        plan |= what_next(args, state, checkpoints, tasks, behind)
    ranking = None
    if state.decided_by == "items" and measured_whole(tasks, range(len(names))):
        note("all items of all checkpoints are measured: the ranking with its statistics follows")
        ranking = make_ranking(args, vocabulary)
        plan["ranking"] = ranking_json(ranking)
        plan["best"] = None if ranking.undecided else ranking.best.checkpoint.name
    if args.json:
        print_data(json.dumps(plan, indent=2, ensure_ascii=False, allow_nan=False))
    else:
        lines = [markdown_table(*race_table(plan)), "", *race_lines(plan)]
        print_data("\n".join([*lines, "", table_text(ranking, vocabulary)] if ranking else lines))
    if ranking and ranking.open:
        raise ScriptError(undecided_line(ranking) if args.json else "undecided, as the answer says", code=3)
    return 3 if state.waiting else 0


# [cog.end]

if __name__ == "__main__":
    raise SystemExit(main())
