#!/usr/bin/env -S uv run --script
# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "backports.zstd>=1,<2; python_version < '3.14'",
#     "jsonschema>=4.23,<5",
#     "orjson>=3.10,<4",
#     "pyarrow>=21,<27",
#     "pyyaml>=6,<7",
#     "rich>=14,<16",
#     "sacrebleu>=2.5,<3",
# ]
# ///
"""Turn result files of evaluation harnesses into records: what was measured elsewhere, as it is.

Searches files and folders for results (told by their content, not by their names) and writes one record per model and
task, OUTPUT_DIR/data/<task>/<developer>/<model>/<uuid>.json, and the items beside it as <uuid>_samples.jsonl when the
harness kept them (Every Eval Ever 0.3.0: what the scripts that run evaluations write too). Converting the same file
again writes nothing. Prints a table of the scores; --json prints one document instead.

  uv run scripts/convert_results.py lighteval_out/ lm_eval_out/ logs/ --output-dir results
  uv run scripts/convert_results.py logs/2026-11-21_gsm8k.eval --model-id me/my-model --json
  uv run scripts/convert_results.py out/ --checkpoints ./my_run/checkpoints     # these weights were measured
  uv run scripts/convert_results.py benchmark_output/runs/v1 --format helm --dry-run

lighteval, lm-eval (lmms-eval, Evalchemy), inspect, HELM: scores, items, settings, what became of each attempt.
evalscope, MTEB, OLMES, NeMo Evaluator, OpenCompass, EvalPlus, SWE-bench, simple-evals: scores, and items where they
are kept. Records of Every Eval Ever 0.2 become 0.3. A trainer_state.json is read with --format trainer alone: what a
trainer logged is no benchmark's score.

Only what was measured becomes a record: averages over tasks ("all", groups) are left out and listed. A score whose
items here have another mean is kept as the file says, without the items, and reported as a conflict. Attempts without a
score are counted and shown ("lost"). A log that did not end well becomes a <uuid>_failure.json, never a score. What a
file does not say stays out of the record. What is read how: references/convert_results.md.

Exit codes: 0 all converted; 1 something could not be read, had failed or is in conflict (each is named), the rest is
written; 2 nothing could be converted (stdout is empty).
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any


# Counts of attempts in a record, with what the table calls those that it shows.
ATTEMPT_COUNTS = {"attempts": "", "scored": "", "wrong": "", "errored": "errored", "no_value": "without a value"}
ATTEMPT_COUNTS |= {"limit_hit": "at a limit", "truncated": "cut off", "unparsed": "unparsed"}


ONE_MODEL = {"lm-eval", "lmms-eval", "evalchemy"}  # whose files have many tasks of one model


NO_RESULTS = (
    "not a result file of any harness that is read here; predictions (prediction, reference, passed, ...) are for "
    "scripts/score_predictions.py"
)


def first_look(files: Files, wanted: str | None, here: Here) -> None:
    """What one file alone does not say: when a folder was measured last, and whether --model-id names one model.

    ScriptError when it would give the results of several models one name.
    """
    for found in files.found.values():
        with contextlib.suppress(Exception):  # what cannot be read is reported later
            for row in read_file(found, wanted, here, files) or ():
                if isinstance(row, TaskRun) and row.origin.format in ONE_MODEL:
                    break
    here.models.clear()
    if here.model_id and len(here.ids) > 1:
        names = ", ".join(sorted(map(single_line, here.ids))[:4])
        raise ScriptError(f"--model-id names one model, but these are results of {len(here.ids)} models: {names}")


def convert_all(files: Files, wanted: str | None, here: Here, converter: Converter) -> None:
    """Convert every file; one that is damaged is reported and does not stop the others."""
    report = converter.report
    unclaimed: list[FoundFile] = []
    superseded = superseded_logs(files.found.values()) if wanted in (None, "inspect") else {}
    for found in progress(list(files.found.values()), "converting"):
        try:
            rows = read_file(found, wanted, here, files)
            if rows is None:
                unclaimed.append(found)
                continue
            for row in rows:
                if isinstance(row, TaskRun) and found.path in superseded:
                    converter.supersede(row, superseded[found.path])
                elif isinstance(row, TaskRun):
                    converter.convert(row)
                elif isinstance(row, MigratedRecord):
                    converter.migrate(row)
                else:
                    (report.failures if row.failed else report.skipped).append(row)
        except ScriptError:
            raise
        except Exception as error:  # whatever a damaged or hostile file provokes
            report.failures.append(Trouble(str(found.path), reason_of(error)))
    for found in unclaimed:
        if found.path.resolve() in files.used:
            continue
        if found.asked:
            report.failures.append(Trouble(str(found.path), NO_RESULTS))
        else:
            report.others += 1
            report.already += bool(RECORD_NAME.fullmatch(found.path.name))
    if here.folders and not here.bound and report.records:
        report.notes.append(Trouble("--checkpoints", unbound_text(here, report)))


def unbound_text(here: Here, report: Report) -> str:
    """What is said where no checkpoint is what a result was measured on, by its name."""
    told = listing(sorted({made.run.model.id for made in report.records}), 3)
    return f"no result is bound to {listing(sorted(here.folders), 3)}: the results are of {told}; name the folder " + (
        "as their last part, or say --model-id RUN/FOLDER with one checkpoint and its results"
    )


def conversion_json(made: Conversion) -> dict[str, Any]:
    """A record for --json."""
    scores = []
    for result in made.record["evaluation_results"]:
        uncertainty = result["score_details"].get("uncertainty", {})
        scores.append(
            {
                "metric": result["metric_config"].get("metric_name", result["evaluation_name"]),
                "score": result["score_details"]["score"],
                "unit": result["metric_config"]["metric_unit"],
                "standard_error": uncertainty.get("standard_error", {}).get("value"),
                "num_samples": uncertainty.get("num_samples"),
                "attempts": attempt_counts(result["score_details"].get("details", {})),
            }
        )
    return {
        "model": made.run.model.id,
        "task": made.run.task,
        "format": made.run.origin.format,
        "source": str(made.run.origin.path),
        "path": str(made.path),
        "samples": made.rows,
        "scores": scores,
    }


def report_json(report: Report) -> dict[str, Any]:
    """What --json prints."""

    def rows(troubles: Iterable[Trouble]) -> list[dict[str, Any]]:
        fields = ("file", "task", "reason", "path")
        return [{name: getattr(row, name) for name in fields if getattr(row, name) is not None} for row in troubles]

    return {
        "schema_version": OUTPUT_VERSION,
        "records": [conversion_json(made) for made in report.written],
        "unchanged": [conversion_json(made) for made in report.unchanged],
        "skipped": rows(report.skipped),
        "failures": rows(report.failures),
        "conflicts": rows(report.conflicts),
        "notes": rows(report.notes),
        "other_files": report.others,
    }


def conversion_table(records: Sequence[Conversion]) -> list[list[str]]:
    """The scores as rows of text under a heading."""
    rows = [["model", "task", "score", "± std. error", "items", "lost", "from"]]
    for made in sorted(records, key=lambda made: (natural_key(made.run.model.id), natural_key(made.run.task))):
        for result in made.record["evaluation_results"]:
            details = result["score_details"]
            uncertainty = details.get("uncertainty", {})
            error = uncertainty.get("standard_error", {}).get("value")
            rows.append(
                [
                    single_line(made.run.model.id)[:60],
                    shorten_middle(single_line(result["evaluation_result_id"])),
                    f"{details['score']:.4g}",
                    "" if error is None else f"{error:.2g}",
                    str(uncertainty.get("num_samples", "")),
                    lost_attempts(details.get("details", {})),
                    made.run.origin.format,
                ]
            )
    return rows


def attempt_counts(details: Mapping[str, str]) -> dict[str, int]:
    """What became of the attempts of a result, without what did not happen."""
    found = {name: int(details[name]) for name in ATTEMPT_COUNTS if str(details.get(name)).isdecimal()}
    return {name: count for name, count in found.items() if count or name in ("attempts", "scored")}


def lost_attempts(details: Mapping[str, str]) -> str:
    """Attempts without a score and why, and what else befell attempts; empty when nothing did.

    24 of 64 (24 errored)
    """
    found = attempt_counts(details)
    attempts, scored = found.get("attempts"), found.get("scored")
    why = ", ".join(f"{found[name]} {text}" for name, text in ATTEMPT_COUNTS.items() if text and name in found)
    lost = 0 if attempts is None or scored is None else attempts - scored
    return f"{lost} of {attempts}{f' ({why})' if why else ''}" if lost else why


def shorten_middle(text: str, most: int = 80) -> str:
    """A text of at most so many characters: its beginning and its end, which in a result's name is the metric."""
    return text if len(text) <= most else f"{text[: most // 2 - 1]}…{text[-(most // 2) :]}"


def show_report(report: Report, output: Path, as_json: bool, dry: bool) -> int:
    """Print what was converted and what was not; the exit code."""
    for kind, rows in (("failed", report.failures), ("conflict", report.conflicts), ("note", report.notes)):
        for row in rows[:20]:
            task = f" {single_line(row.task)[:100]}" if row.task else ""
            note(f"{kind}: {single_line(row.file)}{task}: {single_line(row.reason)}")
        if len(rows) > 20:
            note(f"{kind}: {len(rows)} in all; --json lists them")
    failed = [row for row in report.failures if row.path and row.path.endswith("_failure.json")]
    if not report.records and not failed and not report.conflicts:
        reason = "nothing could be converted" if report.failures else "no result file of a harness that is read here"
        if report.skipped and not report.failures:
            reason = f"nothing to convert: {single_line(report.skipped[0].reason)}"
        elif report.already and not report.failures:
            reason = f"{plural(report.already, 'record')} already: the other scripts take them with --results"
        raise ScriptError(f"{reason} ({report.others} other files; what is read: --help)")
    if as_json:
        print_data(json.dumps(report_json(report), indent=1, ensure_ascii=False).encode(errors="replace").decode())
    else:
        if report.records:
            show_table(conversion_table(report.records))
        where = "nothing is written (--dry-run)" if dry else f"records: {output / 'data'}"
        left = f"{len(report.skipped)} averages and parts left out, {len(report.failures)} failed"
        known = f"{len(report.written)} new, {len(report.unchanged)} there before"
        print_data(f"\n{where} ({known}, {left}, {len(report.conflicts)} in conflict)")
    return 1 if report.failures or report.conflicts else 0


def run(args: argparse.Namespace) -> int:
    """Convert what is in the paths."""
    gc.set_threshold(200_000)  # what is kept grows with each task, and would be searched again and again
    paths = [Path(text).expanduser() for text in args.paths]
    missing = [path for path in paths if not path.exists()]
    if missing:
        raise ScriptError(f"{missing[0]}: no such file or folder{near_place(missing[0])}")
    if args.model_id and not HUB_ID.fullmatch(args.model_id):
        raise ScriptError(f"--model-id {args.model_id}: write owner/name")
    here = Here(
        [Path(text).expanduser() for text in args.checkpoints or ()],
        args.model_id,
        args.harness_version,
        args.task,
        [*paths, *(path.expanduser() for path in args.data or ())],
    )
    files, converter = Files(paths), Converter(Path(args.output_dir), args.dry_run)
    if args.model_id or args.checkpoints or any(row.path.name in WEIGHT_FILES for row in files.found.values()):
        first_look(files, args.format, here)
    convert_all(files, args.format, here, converter)
    return show_report(converter.report, converter.output, args.json, args.dry_run)


def build_parser() -> argparse.ArgumentParser:
    parser = CommandLine(description=__doc__)
    add = parser.add_argument
    add("paths", nargs="+", metavar="PATH", help="result files, or folders that are searched for them")
    add("--output-dir", default="results", metavar="DIR", help="where the records go; default: results")
    add(
        "--model-id",
        metavar="ID",
        help="the id in the records, for one model; default: the file's, or <run>/<checkpoint>",
    )
    add(
        "--checkpoints",
        nargs="+",
        metavar="FOLDER",
        help="checkpoint folders, or a folder of them: these were measured",
    )
    add(
        "--data",
        type=Path,
        nargs="+",
        metavar="FOLDER",
        help="folders of local data sets that the tasks read: may be hashed",
    )
    add("--task", metavar="NAME", help="the task's name in the records, for files that do not say it (SWE-bench)")
    of = "read files of this format only; default: all, but trainer only by name: %(choices)s"
    add("--format", choices=LIBRARIES, metavar="NAME", help=of)
    add("--harness-version", metavar="V", help="the harness's version, for files that do not say it (lighteval, HELM)")
    add("--json", action="store_true", help="print one JSON document instead of a table")
    add("--dry-run", action="store_true", help="read everything and show what would be written; write nothing")
    parser.set_defaults(run=run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code is the answer."""
    return run_main(build_parser(), argv)


# Written in parts/ and put here by `uv run parts/assemble.py`: change it there.
# [cog[
# import assemble
# assemble.include(
#     "command_line", "formats.converter", "formats.finding", "formats.here", "formats.inspect_runs",
#     "formats.vocabulary", "frame", "names", "tables"
# )
# ]cog]

import array
import ast
import collections
import csv
import difflib
import fnmatch
import functools
import glob
import hashlib
import html
import io
import itertools
import math
import operator
import os
import re
import secrets
import shlex
import shutil
import signal
import stat
import statistics
import struct
import tempfile
import textwrap
import threading
import time
import traceback
import unicodedata
import uuid
import zipfile
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterator
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from functools import cache
from statistics import NormalDist
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, NoReturn, TextIO, TypeVar
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


# --- parts/formats/corpus_items.py ------------------------------------------------------------------------------------

# How lm-eval calls what adds up items, and what lighteval's rules come to -> the formula of their statistics.
CORPUS_RULES = {"bleu": "bleu", "chrf": "chrf", "chrf++": "chrf", "ter": "percent_ratio", "f1": "f1", "f1_score": "f1"}
CORPUS_RULES |= {"mcc": "mcc", "matthews_corrcoef": "mcc", "f1_micro": "f1", "f1_all": "f1_all", "f1_max": "f1_max"}
CORPUS_RULES |= {"f1_each": "f1"}
LABELS = (int, str, bool)
SAME_CORPUS_SCORE = 1e-6


def rule_formula(rule: str | None) -> str:
    """The formula of a rule; "" for one that is not known."""
    return CORPUS_RULES.get(str(rule).partition(":")[0], "")


@cache
def text_scorer(rule: str) -> Any:
    """sacrebleu's scorer with its defaults, as lm-eval calls it; "bleu:zh": as lighteval does for a language."""
    from sacrebleu.metrics import BLEU, CHRF, TER

    name, _, language = rule.partition(":")
    return {
        "bleu": lambda: BLEU(trg_lang=language),
        "chrf": CHRF,
        "chrf++": lambda: CHRF(word_order=2),
        "ter": lambda: TER(asian_support=bool(language)),
    }[name]()


def corpus_statistic(rule: str | None, value: Any) -> list[Any] | None:
    """The statistic of one item's [wanted, said]; None where it is none of a rule that is known."""
    formula = rule_formula(rule)
    if not formula or not isinstance(value, list) or len(value) != 2:
        return None
    name, _, classes = str(rule).partition(":")
    if name in ("bleu", "chrf", "chrf++", "ter"):
        return text_statistic(str(rule), formula, *value)
    if not all(isinstance(label, LABELS) for label in value):
        return None
    wanted, said = value
    if formula != "f1":
        return [str(wanted), str(said)]
    if name == "f1_micro":
        return [int(wanted == said), 1, 1]
    if name == "f1_each":  # the mean, over so many classes, of whether the item is rightly one of it or not
        rest = sum(label in range(int(classes)) for label in value) * (wanted != said)
        return [1 - rest / int(classes), 1, 1]
    one, other = (label in (1, "1") for label in value)  # scikit-learn's positive class
    return [int(one and other), int(one), int(other)]


def text_statistic(rule: str, formula: str, wanted: Any, said: Any) -> list[Any] | None:
    """The statistic of a text with its references."""
    references = wanted if isinstance(wanted, list) else [wanted]
    if not references or not all(isinstance(text, str) for text in (said, *references)):
        return None
    found = text_scorer(rule)._extract_corpus_statistics([said], [[text] for text in references])[0]
    return [*found[2:], *found[:2]] if formula == "bleu" else list(found)


def item_score(rule: str | None, statistic: Sequence[Any], value: Sequence[Any]) -> float:
    """What a single item's statistic gives; of classes whether it is right."""
    formula = rule_formula(rule)
    if formula not in ("bleu", "chrf", "percent_ratio"):
        return float(value[0] == value[1])
    found = score_of_items([tuple(statistic)], formula)
    return 0.0 if found is None else found


def checked_formula(score: ScoreRead, tally: Tally) -> tuple[str, str]:
    """(the formula by which the items make the score, "") or ("", what is to be said where theirs make another)."""
    rule = score.rule or score.aggregation
    formula, many = rule_formula(rule), len(tally.statistics)
    if formula and many == len(tally.values):
        made = score_of_items([tuple(one) for one in tally.statistics], formula)
    elif rule in FROM_RATIOS and tally.ratio[1]:
        formula, made = "", score_of_items([tally.ratio], FROM_RATIOS[rule])
    else:
        part = f"only {many} of its {len(tally.values)} items can be counted again"
        return "", f"{score.name}: {part}: no intervals and no verdicts from it" if many else ""
    if made is not None and math.isclose(made, score.value, rel_tol=SAME_CORPUS_SCORE, abs_tol=1e-9):
        return formula, ""
    return "", f"the file says {score.value!r}, its {len(tally.values)} items make {made!r} by the rule {rule}"


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


# --- parts/formats/files.py -------------------------------------------------------------------------------------------

MAX_LINE = 1 << 28  # one line of a samples file, one sample of a log
BLOCK_OF_LINES = 1 << 16  # bytes of such a file whose lines are looked at together: few enough for a cache
MOST_OF_FIRST_LINES = 1 << 20  # bytes of a line that tells that a .json file is JSON lines
SPAN = 1 << 24  # bytes of a JSON-lines file that one process reads at a time
MAX_DIRECTORY = 1 << 25  # bytes of the index of a zip archive, which takes ten times that in memory
MAX_INFLATION = 400  # what a zip archive holds, relative to its own size (beyond 256 MiB)


def json_value(data: bytes) -> Any:
    """A JSON value, with the NaN and Infinity that Python writes; ValueError when it is none."""
    try:
        return strict_json(data)
    except ValueError as error:
        raise ValueError(f"not valid JSON (cut off?): {single_line(error)[:200]}") from error


def object_beside(path: Path) -> dict[str, Any]:
    """The JSON object of a file beside a result; {} where there is none, or none that can be read."""
    with contextlib.suppress(ValueError):
        value = json_value(read_bounded(path)) if path.is_file() else None
        return value if isinstance(value, dict) else {}
    return {}


def first_of_lines(data: bytes) -> Any:
    """The first of JSON lines (one or more) in a file that is called .json; None for one value over several lines, and
    where the second line is no value."""
    lines = data.split(b"\n", 2)[:2]
    if max(map(len, lines)) > MOST_OF_FIRST_LINES:
        return None
    try:
        values = [strict_json_line(line) for line in lines if line.strip()]
    except ValueError:
        return None
    return values[0] if values else None


def read_bounded(path: Path) -> bytes:
    """A file's bytes; ScriptError when there are more than are read at once."""
    refuse_out(path)
    return input_bytes(path, MAX_JSON)


def json_lines(path: Path, begin: int = 0, end: float = math.inf) -> Iterator[dict[str, Any]]:
    """The objects in a JSON-lines file, one after the other; lm-eval before 0.4.3 wrote one JSON list under that name.

    Those whose lines begin at a byte from `begin` on and before `end`.
    """
    if not begin and is_json_list(path):
        yield from rows_of(json_value(read_bounded(path)))
        return
    for place, content in line_blocks(path, begin, end):
        yield from parsed_lines(path, place, content)


def is_json_list(path: Path) -> bool:
    """Whether a file begins as one JSON list does."""
    with open_result(path) as file:
        return file.read(1) == b"["


def parsed_lines(path: Path, place: int, content: bytes) -> Iterator[dict[str, Any]]:
    """The objects in some lines of a file, of which the first begins at the byte `place`."""
    most = allowed(MOST_OF_LINE)
    for line in io.BytesIO(content):
        if len(line) > most:
            raise too_much(path, f"line {line_at(path, place + 1)} has more than {bytes_text(most)}")
        place += len(line)
        if line.isspace():
            continue
        try:
            row = strict_json_line(line, lenient=True)
        except ValueError as error:
            raise ValueError(f"line {line_at(path, place)} is not valid JSON (a file cut off?)") from error
        if not isinstance(row, dict):
            raise ValueError(f"line {line_at(path, place)} is no JSON object")
        yield row


def line_blocks(path: Path, begin: int = 0, end: float = math.inf) -> Iterator[tuple[int, bytes]]:
    """The lines of a file that begin at a byte from `begin` on and before `end`: some at a time, with the byte at which
    the first of them begins. One without measure is cut off where it is too long."""
    most = allowed(MOST_OF_LINE) + 1
    with open_result(path) as file:
        place = file.seek(max(begin - 1, 0))
        if begin:
            place += len(file.readline(most))  # of a line that begins before
        while place < end and (content := file.read(min(BLOCK_OF_LINES, end - place))):
            if not content.endswith(b"\n"):
                content += file.readline(most)
            yield place, content
            place += len(content)


def line_at(path: Path, place: int) -> int:
    """The number of the line that ends at a byte of a file."""
    with open_result(path) as file:
        blocks = (file.read(min(1 << 20, place - 1 - begin)) for begin in range(0, place - 1, 1 << 20))
        return 1 + sum(block.count(b"\n") for block in blocks)


def line_spans(path: Path) -> list[tuple[int, float]]:
    """A JSON-lines file cut into pieces for `json_lines`, which can be read apart; other files are one piece."""
    size = 0 if is_json_list(path) else path.stat().st_size
    cuts = [*range(0, max(size, 1), SPAN)]
    return list(zip(cuts, [*cuts[1:], math.inf], strict=True))


def small_yaml(path: Path) -> Any:
    """The value in a YAML file; ValueError when it is none, repeats a key, or is too large with its aliases."""
    refuse_out(path)
    try:
        return load_yaml(input_text(path, MAX_YAML), path.name)[0]
    except ScriptError as error:
        raise ValueError(single_line(error)[:200]) from error


def parquet_rows(path: Path, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The rows of a parquet file, a few at a time."""
    refuse_out(path)
    for _, batch in parquet_batches(path, list(columns)):
        yield from batch.to_pylist()


def parquet_columns(path: Path) -> list[str]:
    """The top-level columns of a parquet file."""
    import pyarrow.parquet

    with open_result(path) as file:
        return pyarrow.parquet.read_schema(file).names


class LogArchive:
    """An .eval file: a zip archive of JSON documents, deflated or (newer ones) compressed with Zstandard.

    What is read from it in all is bounded by its size: an archive can claim any size for what it holds.
    """

    def __init__(self, path: Path) -> None:
        if sys.version_info >= (3, 14):
            import zipfile
        else:
            from backports.zstd import zipfile

        opened = open_result(path)
        if (end := zipfile._EndRecData(opened)) and end[zipfile._ECD_SIZE] > allowed(MAX_DIRECTORY):  # read whole next
            opened.close()
            raise too_much(path, f"an index of {end[zipfile._ECD_SIZE] / 1e6:,.0f} MB")
        self.archive = zipfile.ZipFile(opened)
        self.names = self.archive.namelist()
        self.left = max(1 << 28, MAX_INFLATION * path.stat().st_size)

    def __enter__(self) -> LogArchive:
        return self

    def __exit__(self, *_: object) -> None:
        self.archive.close()

    def read(self, name: str) -> Any:
        """One document; ValueError when it is too large or not JSON."""
        most = min(MAX_LINE, self.left)
        with self.archive.open(name) as member:
            data = member.read(most + 1)
        if len(data) > most:
            raise ValueError(f"{single_line(name)[:80]} holds more than {most >> 20} MiB: not a log, or a zip bomb")
        self.left -= len(data)
        return json_value(data)

    def samples(self) -> dict[str, list[str]]:
        """The names of the documents of each sample, one for each epoch, by inspect's id of the sample."""
        found: dict[str, list[tuple[int, str]]] = {}
        for name in self.names:
            match = re.fullmatch(r"samples/(.*)_epoch_(\d{1,6})\.json", name, re.DOTALL)
            if match:
                found.setdefault(match[1], []).append((int(match[2]), name))
        return {key: [name for _, name in sorted(set(rows))] for key, rows in found.items()}


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


# --- parts/formats/here.py --------------------------------------------------------------------------------------------

SNAPSHOT = re.compile(r"models--(?P<owner>[\w.-]+?)--(?P<name>[\w.-]+)/snapshots/(?P<commit>[0-9a-f]{7,40})/?$")


def ran_before(moment: Moment, paths: Iterable[Path], put: bool = False) -> bool | None:
    """Whether an evaluation ran before some files were last written; None when its time is not known.

    A time without a zone is that of the machine that wrote it: this one, when the files are here. put: or before they
    were put where they are, which a copy with its original's date (cp -p, rsync -a) does not show otherwise.
    """
    if moment.seconds is None:
        return None
    seconds = moment.seconds
    if moment.text and not re.search(r"(?:Z|[+-]\d\d:?\d\d)$", moment.text):
        seconds = datetime.fromisoformat(moment.text).timestamp()
    found = [path.stat() for path in paths]
    return max((max(one.st_mtime, one.st_ctime * put) for one in found), default=0.0) > seconds + 1


class Here:
    """Finds on this machine what a file speaks of: checkpoints and data; says each warning once."""

    def __init__(
        self,
        checkpoints: Sequence[Path],
        model_id: str | None,
        version: str | None,
        task: str | None = None,
        inputs: Sequence[Path] = (),
    ) -> None:
        self.model_id, self.version, self.task = model_id, version, task
        folders = [path if path.is_dir() else path.parent for path in (*checkpoints, *inputs)]
        self.roots = [Path(os.path.realpath(folder)) for folder in folders]
        self.folders: dict[str, list[Path]] = {}
        for folder in checkpoints:
            for found in checkpoint_folders(folder):
                self.folders.setdefault(found.name, []).append(found)
        self.models: dict[tuple[Any, ...], EvaluatedModel] = {}
        self.latest: dict[Path, float] = {}  # folder of weights -> its last evaluation that is known
        self.ids: set[str] = set()
        self.said: set[str] = set()
        self.names: dict[Path, str] = {}  # folder of --checkpoints -> what its results call it
        self.bound: set[Path] = set()  # folders of --checkpoints of which results were found

    def warn(self, text: str) -> None:
        if text not in self.said:
            self.said.add(text)
            note(f"warning: {text}")

    def may_read(self, path: Path) -> bool:
        """Whether a path that a result file names lies below a folder of the command line: no other one is opened.

        A stranger's file may name any path, and what it says would be bound to whatever lies there.
        """
        place = Path(os.path.realpath(path.expanduser()))
        return any(place.is_relative_to(root) for root in self.roots)

    def named(self, name: str) -> Path | None:
        """The folder of --checkpoints with the name of a model's last folder."""
        parts = [part for part in re.split(r"[/\\]+", name) if part]
        found = self.folders.get(parts[-1], []) if parts else []
        closer = [folder for folder in found if len(parts) > 1 and parts[-2] in folder.parts[-4:]]
        found = closer if len(closer) == 1 else found
        if len(found) > 1:
            raise ScriptError(
                f"--checkpoints: {found[0]} and {found[1]} may both be {foreign_id(name)}: name the right one", code=3
            )
        return found[0] if found else None

    def model(self, name: str | None, moment: Moment, revision: str | None = None, **more: Any) -> EvaluatedModel:
        """The model that a file calls by a Hub id, or by a path on the machine where it ran.

        A file that names none is of the model of --model-id; ValueError where that is not given.
        """
        if name is None:
            if self.model_id is None:
                raise ValueError("it does not say which model was measured: --model-id OWNER/NAME says it")
            name = self.model_id
        key = (name, moment, revision, json.dumps(more, sort_keys=True, default=str))
        if key not in self.models:
            found = self.find(name, moment, revision, more)
            found = replace(found, id=without_tokens(found.id))
            self.ids.add(found.id)
            self.models[key] = replace(found, id=self.model_id) if self.model_id else found
        return self.models[key]

    def find(self, name: str, moment: Moment, revision: str | None, more: dict[str, Any]) -> EvaluatedModel:
        cached = SNAPSHOT.search(name)
        if cached:
            return EvaluatedModel(f"{cached['owner']}/{cached['name']}", cached["commit"], **more)
        known = foreign_id(name) if is_path(name) else single_line(name)[:200]
        folder = self.named(name) or (self.named(self.model_id) if self.model_id else None)
        if folder is not None:
            self.say_bound(folder, known)
            return local_checkpoint(folder, self.witness(folder, known, moment), more, known, "--checkpoints")
        if not is_path(name):
            folder = self.beside(name)
            if folder is None:
                return EvaluatedModel(known, revision, **more)
        folder = folder or Path(name).expanduser()
        with contextlib.suppress(ScriptError, OSError, AttributeError, ValueError):
            if not self.may_read(folder) or not all(map(self.may_read, weight_files(folder))):
                if folder.is_dir():
                    self.warn(
                        f"{known}: a file names weights of this machine, which are looked at only when you "
                        "say so: --checkpoints with their folder"
                    )
            elif folder.is_dir() and weight_files(folder):
                digest = None if (late := self.came_before(moment, folder)) else weights_sha256(folder)
                if late or late is None:
                    digest = None
                    self.warn(
                        f"{shown_path(folder)}: its weights may be newer than the results, their hash is left out: "
                        "if they are what was measured, say --checkpoints"
                    )
                self.bound.add(folder)
                return local_checkpoint(folder, digest, more, known, "the path in the result file")
        return EvaluatedModel(known, None, known, local=True, **more)

    def say_bound(self, folder: Path, known: str) -> None:
        """Say whose results are taken for those of a folder of --checkpoints; ScriptError (3) where two names are."""
        self.bound.add(folder)
        if (other := self.names.setdefault(folder, known)) != known:
            raise ScriptError(
                f"--checkpoints: results of {other} and of {known} would both be those of {shown_path(folder)}, by its "
                "name: convert them apart, with the right folder each, or with --model-id",
                code=3,
            )
        if tuple(known.split("/")[-2:]) != folder.parts[-2:]:
            self.warn(f"{known} is taken for {shown_path(folder)}, by its last name alone (--checkpoints)")

    def came_before(self, moment: Moment, folder: Path) -> bool | None:
        """Whether an evaluation ran before the weights of a folder were written; None when its time is not known.

        Where a folder was measured several times, the earlier ones must have come after the weights were put there.
        """
        seconds = moment.seconds or 0.0
        last = self.latest[folder] = max(seconds, self.latest.get(folder, 0.0))
        return ran_before(moment, weight_files(folder), put=seconds < last)

    def witness(self, folder: Path, name: str, moment: Moment) -> str | None:
        """The hash of the weights that somebody says were measured; None for weights written after the measurement."""
        if self.came_before(moment, folder):
            day = datetime.fromtimestamp(moment.seconds or 0, UTC).strftime("%Y-%m-%d")
            self.warn(
                f"{name}: the weights in {shown_path(folder)} were written, or put there, after the evaluation of "
                f"{day}, so nothing shows that it measured them: no hash is recorded. Keep each night's weights in a "
                "folder of its own, or hash them when they are evaluated"
            )
            return None
        return weights_sha256(folder)

    def beside(self, name: str) -> Path | None:
        """The folder with weights that a relative path names, from here or from a result file's folder upwards."""
        if not re.fullmatch(r"[\w.-]+(?:/[\w.-]+)*/?", name) or ".." in name.split("/"):
            return None
        for base in dict.fromkeys(base for root in (Path.cwd(), *self.roots) for base in (root, *root.parents)):
            if any((base / name / weights).is_file() for weights in WEIGHT_FILES):
                return base / name
        return None

    def data(self, folder: Path, moment: Moment, files: Sequence[str] | None = None) -> str | None:
        """The hash of local data as it was in the evaluation; None when that cannot be known.

        Only below the folders of the command line, and of few files: any path can stand in a foreign file.
        """
        if not self.may_read(folder):
            return None
        found: list[Path] = []
        for path in [folder / name for name in files] if files else folder.rglob("*"):
            found += [path] if path.is_file() and not path.name.startswith(".") else []
            if len(found) > 1000:
                return None
        if (
            not found
            or not all(map(self.may_read, found))
            or sum(path.stat().st_size for path in found) > 4 * MAX_JSON
            or ran_before(moment, found) is not False
        ):
            return None
        return files_sha256(folder, files) if files else data_sha256(folder)


def checkpoint_folders(folder: Path) -> list[Path]:
    """A checkpoint folder, or those in a folder and one level deeper; ScriptError when there is none."""
    if not folder.is_dir():
        raise ScriptError(f"--checkpoints {folder}: no such folder{near_place(folder)}")
    levels = [[folder.resolve()], sorted(folder.resolve().glob("*/")), sorted(folder.resolve().glob("*/*/"))]
    for folders in levels:
        found = [path for path in folders if any((path / name).is_file() for name in WEIGHT_FILES)]
        if found:
            return found
    raise ScriptError(f"--checkpoints {folder}: no checkpoint (a folder with model.safetensors) in it")


def local_checkpoint(folder: Path, digest: str | None, more: dict[str, Any], name: str, said_by: str) -> EvaluatedModel:
    """A checkpoint that is here, under the name that it has anywhere else, and who says that it was measured."""
    folder = Path(os.path.abspath(folder))
    place = shown_path(folder)
    details = dict(more.get("details", ())) | ({"weights_bound_by": said_by} if digest else {})
    return EvaluatedModel(name, None, place, digest, local=True, folder=folder, **{**more, "details": details})


def rows_in(folder: Path, splits: str | None) -> int | None:
    """How many rows a local split has; None when that is not told by one JSON-lines file."""
    path = folder / f"{splits}.jsonl"
    return sum(1 for _ in json_lines(path)) if re.fullmatch(r"[\w-]+", splits or "") and path.is_file() else None


def own_ids_of(folder: Path, split: str) -> list[tuple[str, str]] | None:
    """(id, text of all other fields) of each row of a local split; None when its rows have no ids of their own."""
    found = []
    for name in (f"{split}.jsonl", f"{split}.parquet") if re.fullmatch(r"[\w-]+", split) else ():
        path = folder / name
        if not path.is_file():
            continue
        rows = json_lines(path) if name.endswith(".jsonl") else parquet_rows(path, parquet_columns(path))
        for row in rows:
            if row.get("id") in (None, ""):
                return None
            found.append((str(row["id"]), "\0".join(all_texts([value for key, value in row.items() if key != "id"]))))
        return found if len({name for name, _ in found}) == len(found) else None
    return None


# --- parts/records/datastore.py ---------------------------------------------------------------------------------------

# fmt: off
EEE_SCHEMAS = {'record': {'$schema': 'http://json-schema.org/draft-07/schema#',
            'type': 'object',
            'required': ['schema_version', 'evaluation_id', 'retrieved_timestamp', 'source_metadata', 'model_info',
                         'eval_library', 'evaluation_results'],
            'additionalProperties': False,
            'properties': {'schema_version': {'type': 'string'},
                           'evaluation_id': {'type': 'string'},
                           'evaluation_timestamp': {'type': 'string'},
                           'retrieved_timestamp': {'type': 'string'},
                           'source_metadata': {'type': 'object',
                                               'required': ['source_type', 'source_organization_name',
                                                            'evaluator_relationship'],
                                               'properties': {'source_name': {'type': 'string'},
                                                              'source_type': {'type': 'string',
                                                                              'enum': ['documentation',
                                                                                       'evaluation_run']},
                                                              'source_organization_name': {'type': 'string'},
                                                              'source_organization_url': {'type': 'string'},
                                                              'source_organization_logo_url': {'type': 'string'},
                                                              'evaluator_relationship': {'type': 'string',
                                                                                         'enum': ['first_party',
                                                                                                  'third_party',
                                                                                                  'collaborative',
                                                                                                  'other']},
                                                              'additional_details': {'type': 'object',
                                                                                     'additionalProperties': {'type': 'string'}}}},
                           'eval_library': {'type': 'object',
                                            'properties': {'name': {'type': 'string'},
                                                           'version': {'type': 'string'},
                                                           'additional_details': {'type': 'object',
                                                                                  'additionalProperties': {'type': 'string'}}},
                                            'required': ['name', 'version']},
                           'model_info': {'$ref': '#/$defs/model_info'},
                           'evaluation_results': {'type': 'array',
                                                  'items': {'type': 'object',
                                                            'required': ['evaluation_name', 'source_data',
                                                                         'metric_config', 'score_details'],
                                                            'properties': {'evaluation_result_id': {'type': 'string'},
                                                                           'evaluation_name': {'type': 'string'},
                                                                           'source_data': {'oneOf': [{'$ref': '#/$defs/source_data_url'},
                                                                                                     {'$ref': '#/$defs/source_data_hf'},
                                                                                                     {'$ref': '#/$defs/source_data_private'}]},
                                                                           'evaluation_timestamp': {'type': 'string'},
                                                                           'metric_config': {'type': 'object',
                                                                                             'required': ['lower_is_better'],
                                                                                             'properties': {'evaluation_description': {'type': 'string'},
                                                                                                            'metric_id': {'type': 'string'},
                                                                                                            'metric_name': {'type': 'string'},
                                                                                                            'metric_kind': {'type': 'string'},
                                                                                                            'metric_unit': {'type': 'string'},
                                                                                                            'metric_parameters': {'type': 'object',
                                                                                                                                  'additionalProperties': {'type': ['string',
                                                                                                                                                                    'number',
                                                                                                                                                                    'boolean',
                                                                                                                                                                    'null']}},
                                                                                                            'lower_is_better': {'type': 'boolean'},
                                                                                                            'score_type': {'type': 'string',
                                                                                                                           'enum': ['binary',
                                                                                                                                    'continuous',
                                                                                                                                    'levels']},
                                                                                                            'level_names': {'type': 'array',
                                                                                                                            'items': {'type': 'string'}},
                                                                                                            'level_metadata': {'type': 'array',
                                                                                                                               'items': {'type': 'string'}},
                                                                                                            'has_unknown_level': {'type': 'boolean'},
                                                                                                            'min_score': {'oneOf': [{'type': 'number'},
                                                                                                                                    {'type': 'string',
                                                                                                                                     'enum': ['Infinity',
                                                                                                                                              '-Infinity']},
                                                                                                                                    {'type': 'null'}]},
                                                                                                            'max_score': {'oneOf': [{'type': 'number'},
                                                                                                                                    {'type': 'string',
                                                                                                                                     'enum': ['Infinity',
                                                                                                                                              '-Infinity']},
                                                                                                                                    {'type': 'null'}]},
                                                                                                            'llm_scoring': {'type': 'object',
                                                                                                                            'required': ['judges',
                                                                                                                                         'input_prompt'],
                                                                                                                            'properties': {'judges': {'type': 'array',
                                                                                                                                                      'items': {'$ref': '#/$defs/judge_config'},
                                                                                                                                                      'minItems': 1},
                                                                                                                                           'input_prompt': {'type': 'string'},
                                                                                                                                           'aggregation_method': {'type': 'string',
                                                                                                                                                                  'enum': ['majority_vote',
                                                                                                                                                                           'average',
                                                                                                                                                                           'weighted_average',
                                                                                                                                                                           'median']},
                                                                                                                                           'expert_baseline': {'type': 'number'},
                                                                                                                                           'additional_details': {'type': 'object',
                                                                                                                                                                  'additionalProperties': {'type': 'string'}}}},
                                                                                                            'additional_details': {'type': 'object',
                                                                                                                                   'additionalProperties': {'type': 'string'}}},
                                                                                             'if': {'required': ['score_type'],
                                                                                                    'properties': {'score_type': {'const': 'levels'}}},
                                                                                             'then': {'required': ['level_names',
                                                                                                                   'has_unknown_level']},
                                                                                             'else': {'if': {'required': ['score_type'],
                                                                                                             'properties': {'score_type': {'const': 'continuous'}}},
                                                                                                      'then': {'required': ['min_score',
                                                                                                                            'max_score']}}},
                                                                           'score_details': {'type': 'object',
                                                                                             'required': ['score'],
                                                                                             'properties': {'score': {'type': 'number'},
                                                                                                            'details': {'type': 'object',
                                                                                                                        'additionalProperties': {'type': 'string'}},
                                                                                                            'uncertainty': {'type': 'object',
                                                                                                                            'properties': {'standard_error': {'type': 'object',
                                                                                                                                                              'properties': {'value': {'type': 'number'},
                                                                                                                                                                             'method': {'type': 'string'}},
                                                                                                                                                              'required': ['value']},
                                                                                                                                           'confidence_interval': {'type': 'object',
                                                                                                                                                                   'properties': {'lower': {'type': 'number'},
                                                                                                                                                                                  'upper': {'type': 'number'},
                                                                                                                                                                                  'confidence_level': {'type': 'number',
                                                                                                                                                                                                       'minimum': 0,
                                                                                                                                                                                                       'maximum': 1},
                                                                                                                                                                                  'method': {'type': 'string'}},
                                                                                                                                                                   'required': ['lower',
                                                                                                                                                                                'upper']},
                                                                                                                                           'standard_deviation': {'type': 'number'},
                                                                                                                                           'num_samples': {'type': 'integer'},
                                                                                                                                           'num_bootstrap_samples': {'type': 'integer'}}}}},
                                                                           'generation_config': {'type': 'object',
                                                                                                 'properties': {'generation_args': {'type': 'object',
                                                                                                                                    'properties': {'temperature': {'type': ['null',
                                                                                                                                                                            'number']},
                                                                                                                                                   'top_p': {'type': ['null',
                                                                                                                                                                      'number']},
                                                                                                                                                   'top_k': {'type': ['null',
                                                                                                                                                                      'number']},
                                                                                                                                                   'max_tokens': {'type': 'integer',
                                                                                                                                                                  'minimum': 1},
                                                                                                                                                   'execution_command': {'type': 'string'},
                                                                                                                                                   'reasoning': {'type': 'boolean'},
                                                                                                                                                   'prompt_template': {'type': 'string'},
                                                                                                                                                   'agentic_eval_config': {'type': 'object',
                                                                                                                                                                           'properties': {'available_tools': {'type': 'array',
                                                                                                                                                                                                              'items': {'type': 'object',
                                                                                                                                                                                                                        'properties': {'name': {'type': 'string'},
                                                                                                                                                                                                                                       'description': {'type': 'string'},
                                                                                                                                                                                                                                       'parameters': {'type': 'object',
                                                                                                                                                                                                                                                      'additionalProperties': {'type': 'string'}}}}},
                                                                                                                                                                                          'additional_details': {'type': 'object',
                                                                                                                                                                                                                 'additionalProperties': {'type': 'string'}}}},
                                                                                                                                                   'eval_plan': {'type': 'object',
                                                                                                                                                                 'properties': {'name': {'type': 'string'},
                                                                                                                                                                                'steps': {'type': 'array',
                                                                                                                                                                                          'items': {'type': 'string'}},
                                                                                                                                                                                'config': {'type': 'object',
                                                                                                                                                                                           'additionalProperties': {'type': 'string'}}}},
                                                                                                                                                   'eval_limits': {'type': 'object',
                                                                                                                                                                   'properties': {'time_limit': {'type': 'integer'},
                                                                                                                                                                                  'message_limit': {'type': 'integer'},
                                                                                                                                                                                  'token_limit': {'type': 'integer'}}},
                                                                                                                                                   'sandbox': {'type': 'object',
                                                                                                                                                               'properties': {'type': {'type': 'string'},
                                                                                                                                                                              'config': {'type': 'string'}}},
                                                                                                                                                   'max_attempts': {'type': 'integer',
                                                                                                                                                                    'default': 1},
                                                                                                                                                   'incorrect_attempt_feedback': {'type': 'string'}},
                                                                                                                                    'additionalProperties': False},
                                                                                                                'additional_details': {'type': 'object',
                                                                                                                                       'additionalProperties': {'type': 'string'}}}}}}},
                           'detailed_evaluation_results': {'type': 'object',
                                                           'required': ['format', 'file_path'],
                                                           'properties': {'format': {'type': 'string',
                                                                                     'enum': ['jsonl']},
                                                                          'file_path': {'type': 'string',
                                                                                        'pattern': '^data/[^/]+/[^/]+/[^/]+/[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-4[0-9A-Fa-f]{3}-[89ABab][0-9A-Fa-f]{3}-[0-9A-Fa-f]{12}_samples\\.jsonl$'},
                                                                          'hash_algorithm': {'type': 'string',
                                                                                             'enum': ['sha256',
                                                                                                      'md5']},
                                                                          'checksum': {'type': 'string'},
                                                                          'total_rows': {'type': 'integer'},
                                                                          'additional_details': {'type': 'object',
                                                                                                 'additionalProperties': {'type': 'string'}}}}},
            '$defs': {'judge_config': {'type': 'object',
                                       'required': ['model_info'],
                                       'properties': {'model_info': {'$ref': '#/$defs/model_info'},
                                                      'temperature': {'type': 'number'},
                                                      'weight': {'type': 'number'},
                                                      'additional_details': {'type': 'object',
                                                                             'additionalProperties': {'type': 'string'}}}},
                      'model_info': {'type': 'object',
                                     'required': ['name', 'id', 'additional_details'],
                                     'properties': {'name': {'type': 'string'},
                                                    'id': {'type': 'string'},
                                                    'developer': {'type': 'string'},
                                                    'inference_platform': {'type': 'string'},
                                                    'inference_engine': {'type': 'object',
                                                                         'properties': {'name': {'type': 'string'},
                                                                                        'version': {'type': 'string'}}},
                                                    'additional_details': {'type': 'object',
                                                                           'required': ['deployment_type',
                                                                                        'model_availability'],
                                                                           'properties': {'deployment_type': {'enum': ['self_deployed',
                                                                                                                       'externally_managed',
                                                                                                                       'unknown']},
                                                                                          'model_availability': {'enum': ['open_weights',
                                                                                                                          'closed_weights',
                                                                                                                          'unknown']}},
                                                                           'additionalProperties': {'type': 'string'}}}},
                      'source_data_url': {'type': 'object',
                                          'required': ['dataset_name', 'source_type', 'url'],
                                          'properties': {'dataset_name': {'type': 'string'},
                                                         'source_type': {'const': 'url'},
                                                         'url': {'type': 'array',
                                                                 'items': {'type': 'string'},
                                                                 'minItems': 1},
                                                         'additional_details': {'type': 'object',
                                                                                'additionalProperties': {'type': 'string'}}}},
                      'source_data_hf': {'type': 'object',
                                         'required': ['dataset_name', 'source_type'],
                                         'properties': {'dataset_name': {'type': 'string'},
                                                        'source_type': {'const': 'hf_dataset'},
                                                        'hf_repo': {'type': 'string'},
                                                        'hf_split': {'type': 'string'},
                                                        'samples_number': {'type': 'integer'},
                                                        'sample_ids': {'type': 'array',
                                                                       'items': {'type': 'string'}},
                                                        'additional_details': {'type': 'object',
                                                                               'additionalProperties': {'type': 'string'}}}},
                      'source_data_private': {'type': 'object',
                                              'required': ['dataset_name', 'source_type'],
                                              'properties': {'dataset_name': {'type': 'string'},
                                                             'source_type': {'const': 'other'},
                                                             'additional_details': {'type': 'object',
                                                                                    'additionalProperties': {'type': 'string'}}}}}},
 'sample': {'$schema': 'http://json-schema.org/draft-07/schema#',
            'type': 'object',
            'required': ['schema_version', 'evaluation_id', 'model_id', 'evaluation_name', 'sample_id',
                         'interaction_type', 'input', 'answer_attribution', 'evaluation'],
            'additionalProperties': False,
            'properties': {'schema_version': {'type': 'string'},
                           'evaluation_id': {'type': 'string'},
                           'model_id': {'type': 'string'},
                           'evaluation_name': {'type': 'string'},
                           'evaluation_result_id': {'type': 'string'},
                           'sample_id': {'type': 'string'},
                           'sample_hash': {'type': ['string', 'null']},
                           'interaction_type': {'type': 'string', 'enum': ['single_turn', 'multi_turn', 'agentic']},
                           'input': {'type': 'object',
                                     'required': ['raw', 'reference'],
                                     'properties': {'raw': {'type': 'string'},
                                                    'formatted': {'type': ['string', 'null']},
                                                    'reference': {'type': 'array', 'items': {'type': 'string'}},
                                                    'choices': {'type': ['array', 'null'],
                                                                'items': {'type': 'string'}}}},
                           'output': {'type': ['object', 'null'],
                                      'required': ['raw'],
                                      'properties': {'raw': {'type': 'array', 'items': {'type': 'string'}},
                                                     'reasoning_trace': {'type': ['array', 'null'],
                                                                         'items': {'type': 'string'}}}},
                           'messages': {'type': ['array', 'null'],
                                        'items': {'type': 'object',
                                                  'required': ['turn_idx', 'role'],
                                                  'properties': {'turn_idx': {'type': 'integer', 'minimum': 0},
                                                                 'role': {'type': 'string'},
                                                                 'content': {'type': ['string', 'null']},
                                                                 'reasoning_trace': {'type': ['string', 'null']},
                                                                 'tool_calls': {'type': ['array', 'null'],
                                                                                'items': {'type': 'object',
                                                                                          'required': ['id',
                                                                                                       'name'],
                                                                                          'properties': {'id': {'type': 'string'},
                                                                                                         'name': {'type': 'string'},
                                                                                                         'arguments': {'type': ['object',
                                                                                                                                'null'],
                                                                                                                       'additionalProperties': {'type': 'string'}}}}},
                                                                 'tool_call_id': {'type': ['array', 'null'],
                                                                                  'items': {'type': 'string'}}}}},
                           'answer_attribution': {'type': 'array',
                                                  'items': {'type': 'object',
                                                            'required': ['turn_idx', 'source', 'extracted_value',
                                                                         'extraction_method', 'is_terminal'],
                                                            'properties': {'turn_idx': {'type': 'integer',
                                                                                        'minimum': 0},
                                                                           'source': {'type': 'string'},
                                                                           'extracted_value': {'type': 'string'},
                                                                           'extraction_method': {'type': 'string'},
                                                                           'is_terminal': {'type': 'boolean'}}}},
                           'evaluation': {'type': 'object',
                                          'required': ['score', 'is_correct'],
                                          'properties': {'score': {'type': 'number'},
                                                         'is_correct': {'type': 'boolean'},
                                                         'num_turns': {'type': ['integer', 'null'], 'minimum': 1},
                                                         'tool_calls_count': {'type': ['integer', 'null'],
                                                                              'minimum': 0}}},
                           'token_usage': {'type': ['object', 'null'],
                                           'required': ['input_tokens', 'output_tokens', 'total_tokens'],
                                           'properties': {'input_tokens': {'type': 'integer', 'minimum': 0},
                                                          'output_tokens': {'type': 'integer', 'minimum': 0},
                                                          'total_tokens': {'type': 'integer', 'minimum': 0},
                                                          'input_tokens_cache_write': {'type': ['integer', 'null'],
                                                                                       'minimum': 0},
                                                          'input_tokens_cache_read': {'type': ['integer', 'null'],
                                                                                      'minimum': 0},
                                                          'reasoning_tokens': {'type': ['integer', 'null'],
                                                                               'minimum': 0}}},
                           'performance': {'type': ['object', 'null'],
                                           'properties': {'latency_ms': {'type': ['number', 'null'], 'minimum': 0},
                                                          'time_to_first_token_ms': {'type': ['number', 'null'],
                                                                                     'minimum': 0},
                                                          'generation_time_ms': {'type': ['number', 'null'],
                                                                                 'minimum': 0},
                                                          'additional_details': {'type': ['object', 'null'],
                                                                                 'additionalProperties': {'type': 'string'}}}},
                           'error': {'type': ['string', 'null']},
                           'metadata': {'type': ['object', 'null'], 'additionalProperties': {'type': 'string'}}},
            'allOf': [{'if': {'properties': {'interaction_type': {'const': 'single_turn'}}},
                       'then': {'required': ['output'],
                                'properties': {'output': {'type': 'object', 'not': {'type': 'null'}},
                                               'messages': {'type': 'null'}}}},
                      {'if': {'properties': {'interaction_type': {'enum': ['multi_turn', 'agentic']}}},
                       'then': {'required': ['messages'],
                                'properties': {'output': {'type': 'null'},
                                               'messages': {'type': 'array', 'not': {'type': 'null'}},
                                               'metrics': {'required': ['num_turns']}}}}]}}
# fmt: on
EEE_FILE = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}(?:\.json|_samples\.jsonl)")
BAD_IN_PATH = re.compile(r'[<>:"\\|?*\x00-\x1f]')
DEVICES = {"CON", "PRN", "AUX", "NUL", *(f"{name}{number}" for name in ("COM", "LPT") for number in range(1, 10))}
DEPLOYMENTS = ("self_deployed", "externally_managed", "unknown")
AVAILABILITIES = ("open_weights", "closed_weights", "unknown")
MAX_PROBLEMS = 20  # of one file
CONTRIBUTED = ".contributed.json"  # beside data/: which record went where


@dataclass(slots=True)
class DatastoreFile:
    """One record as it would lie in the datastore: path -> bytes of the record and of its samples."""

    path: str
    model: str
    results: list[str]
    files: dict[str, bytes] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def datastore_file(path: Path, record: Mapping[str, Any], model: str = "") -> DatastoreFile:
    """A record and its samples as the datastore wants them, checked; `model` files them under another id.

    What nothing has to change in stays as it is, byte for byte.
    """
    samples_path = path.with_name(f"{path.stem}_samples.jsonl")
    data = input_bytes(path)
    if samples_path.is_symlink():
        refuse_link_away(str(samples_path), os.path.realpath(samples_path), path.parent)
    samples = input_bytes(samples_path, MAX_SAMPLES) if samples_path.is_file() else None
    name, collection = path.stem, path.parent.parent.parent.name
    if model and model != record["model_info"].get("id"):
        name = str(uuid.UUID(bytes=hashlib.sha256(f"{name} {model}".encode()).digest()[:16], version=4))
        record, samples = renamed_record(record, samples, model, name, collection)
        data = (json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode()
    model = str(record["model_info"].get("id") or "")
    place, problem = datastore_folder(collection, record["model_info"])
    made = DatastoreFile(
        f"{place}/{name}.json", model, [str(r.get("evaluation_name")) for r in results_of_record(record)]
    )
    made.problems += [problem] if problem else []
    made.files[made.path] = data
    if samples is not None:
        made.files[f"{place}/{name}_samples.jsonl"] = samples
    made.problems += [] if problem else record_problems(made.path, record, samples)
    return made


def results_of_record(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [result for result in record.get("evaluation_results") or [] if isinstance(result, dict)]


def datastore_folder(collection: str, info: Mapping[str, Any]) -> tuple[str, str]:
    """(data/<collection>/<developer>/<model>, "") for a record's identity, or ("", why it has no place)."""
    parts = str(info.get("id") or "").strip().split("/")
    developer = parts.pop(0) if len(parts) > 1 else str(info.get("developer") or "")
    places = [collection, developer, "_".join(parts)]
    for what, part in zip(("collection", "developer", "model"), places, strict=True):
        if not part.strip() or part.strip().lower() == "unknown":
            return "", f"its {what} is not known: a model's id is OWNER/NAME"
    places = [part.strip().replace(":", "_") for part in places]
    for part in places:
        bad = BAD_IN_PATH.search(part) or part.endswith((".", " ")) or part in ("..", "data")
        if bad or part.split(".", 1)[0].upper() in DEVICES:
            return "", f"{part!r} cannot be a folder of the datastore"
    return "/".join(["data", *places]), ""


def renamed_record(
    record: Mapping[str, Any], samples: bytes | None, model: str, name: str, collection: str
) -> tuple[dict[str, Any], bytes | None]:
    """The record and its samples under another model id; everything that was measured stays."""
    record = json.loads(json.dumps(record))
    old, info = record["model_info"].get("id"), record["model_info"]
    owner, _, short = model.rpartition("/")
    info |= {"id": model, "name": short, "developer": owner}
    (info.get("additional_details") or {}).pop("path", None)  # a folder of the machine where it was
    record["evaluation_id"] = str(record["evaluation_id"]).replace(str(old), model)
    if samples is not None:
        told = {"evaluation_id": record["evaluation_id"], "model_id": model}
        rows = [json.loads(line) | told for line in samples.splitlines() if line.strip()]
        samples = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
        folder, _ = datastore_folder(collection, info)
        record["detailed_evaluation_results"] |= {
            "file_path": f"{folder}/{name}_samples.jsonl",
            "checksum": hashlib.sha256(samples).hexdigest(),
        }
    return record, samples


# --- What the validator asks ---


def record_problems(path: str, record: Mapping[str, Any], samples: bytes | None) -> list[str]:
    """Why the datastore would refuse a record at a path; at most MAX_PROBLEMS."""
    found: list[str] = []
    for problem in every_problem(path, record, samples):
        found.append(single_line(problem)[:300])
        if len(found) == MAX_PROBLEMS:
            break
    return found


def every_problem(path: str, record: Mapping[str, Any], samples: bytes | None) -> Iterator[str]:
    from jsonschema import Draft7Validator

    parts = path.split("/")
    if len(parts) != 5 or parts[0] != "data" or not EEE_FILE.fullmatch(parts[-1]):
        yield f"{path}: data/<collection>/<developer>/<model>/<uuid4>.json is expected"
    for error in Draft7Validator(EEE_SCHEMAS["record"]).iter_errors(record):
        yield f"{'.'.join(map(str, error.absolute_path)) or 'the record'}: {error.message[:160]}"
    yield from deployment_problems(record)
    for number, result in enumerate(results_of_record(record)):
        yield from score_problems(f"evaluation_results[{number}]", result)
    yield from companion_problems(path, record, samples)


def deployment_problems(record: Mapping[str, Any]) -> Iterator[str]:
    """Who ran the model and whether its weights are open must be said, if only as unknown; of judges as well."""
    infos = {"model_info": record.get("model_info")}
    for number, result in enumerate(results_of_record(record)):
        scoring = (result.get("metric_config") or {}).get("llm_scoring") or {}
        for judge, item in enumerate(scoring.get("judges") or []):
            where = f"evaluation_results[{number}].metric_config.llm_scoring.judges[{judge}].model_info"
            infos[where] = item.get("model_info") if isinstance(item, dict) else None
    for where, info in infos.items():
        details = info.get("additional_details") if isinstance(info, dict) else None
        details = details if isinstance(details, dict) else {}
        for key, allowed in (("deployment_type", DEPLOYMENTS), ("model_availability", AVAILABILITIES)):
            if details.get(key) not in allowed:
                yield f"{where}.additional_details.{key}: {details.get(key)!r} is not one of {', '.join(allowed)}"


def score_problems(where: str, result: Mapping[str, Any]) -> Iterator[str]:
    """A finite score within its bounds; a continuous metric has both."""
    metric, details = result.get("metric_config") or {}, result.get("score_details") or {}
    low, high = eee_bound(metric.get("min_score")), eee_bound(metric.get("max_score"))
    for key, value in (("min_score", low), ("max_score", high)):
        if value is None and (metric.get("score_type") == "continuous" or metric.get(key) is not None):
            yield f"{where}.metric_config.{key} is missing or no number"
    score = details.get("score")
    if isinstance(score, bool) or not isinstance(score, int | float) or not math.isfinite(score):
        yield f"{where}.score_details.score: {score!r} is no finite number"
    elif (low is not None and score < low) or (high is not None and score > high):
        yield f"{where}: the score {score} is outside {metric.get('min_score')} to {metric.get('max_score')}"


def eee_bound(value: Any) -> float | None:
    """A bound of a metric, "Infinity" as the schema spells it; None when there is none."""
    infinite = {"Infinity": math.inf, "-Infinity": -math.inf}.get(value) if isinstance(value, str) else None
    number = isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value)
    return float(value) if number else infinite


def companion_problems(path: str, record: Mapping[str, Any], samples: bytes | None) -> Iterator[str]:
    """Record and samples name each other, count the same rows, and the checksum is that of the file."""
    detail = record.get("detailed_evaluation_results")
    if detail is None:
        if samples is not None:
            yield "there is a samples file, but no detailed_evaluation_results"
        return
    expected = path.removesuffix(".json") + "_samples.jsonl"
    if not isinstance(detail, dict) or detail.get("file_path") != expected or detail.get("format") != "jsonl":
        yield f"detailed_evaluation_results: file_path {expected} and format jsonl are expected"
    elif samples is None:
        yield f"the samples file {expected} is missing"
    else:
        sums = {"sha256": hashlib.sha256(samples).hexdigest()}
        if sums.get(str(detail.get("hash_algorithm"))) != detail.get("checksum"):
            yield "detailed_evaluation_results.checksum is not the sha256 of the samples file"
        yield from sample_problems(record, detail, samples)


def sample_problems(record: Mapping[str, Any], detail: Mapping[str, Any], samples: bytes) -> Iterator[str]:
    from jsonschema import Draft7Validator

    lines = [line for line in samples.split(b"\n") if line.strip()]
    if not lines or detail.get("total_rows") != len(lines):
        yield f"detailed_evaluation_results.total_rows is {detail.get('total_rows')}, the file has {len(lines)} rows"
    validator = Draft7Validator(EEE_SCHEMAS["sample"])
    told = (record.get("evaluation_id"), (record.get("model_info") or {}).get("id"))
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield f"samples line {number}: {error}"
            continue
        for error in validator.iter_errors(row):
            yield f"samples line {number}: {'.'.join(map(str, error.absolute_path))}: {error.message[:120]}"
        if not isinstance(row, dict) or (row.get("evaluation_id"), row.get("model_id")) != told:
            yield f"samples line {number}: evaluation_id or model_id is not the record's"


# --- What was contributed ---


def contributed(root: Path) -> dict[str, str]:
    """data/.../<uuid>.json -> its page in the datastore, for the records of a folder; {} when none was contributed."""
    try:
        data = read_json(root / CONTRIBUTED)
    except ScriptError:
        return {}
    return {str(k): v for k, v in data.items() if isinstance(v, str)} if isinstance(data, dict) else {}


def contributed_url(path: Path) -> str | None:
    """The page of a record in the datastore; None when it was not contributed from here.

    The list may be a stranger's: a page is one of a data set of the Hub, else it is none.
    """
    parts = path.absolute().parts
    if parts[-5:-4] != ("data",):
        return None
    url = web_url(contributed(path.absolute().parents[4]).get("/".join(parts[-5:]), "")) or ""
    datasets = f"{(os.environ.get('HF_ENDPOINT') or 'https://huggingface.co').rstrip('/')}/datasets/"
    return url if url.startswith(datasets) and ".." not in url else None


# --- parts/formats/every_eval_ever.py ---------------------------------------------------------------------------------

EEE_MIGRATED = {"0.2.0", "0.2.1", "0.2.2", "0.2.3"}
EEE_RECORD_KEYS = (
    *("evaluation_id", "evaluation_timestamp", "retrieved_timestamp", "source_metadata", "model_info", "eval_library"),
    "evaluation_results",
)
EEE_LINE_KEYS = (
    *("model_id", "evaluation_name", "evaluation_result_id", "sample_id", "sample_hash", "interaction_type", "input"),
    *("output", "messages", "answer_attribution", "evaluation", "token_usage", "performance", "error", "metadata"),
)


def is_every_eval_ever(document: Mapping[str, Any], _path: Path) -> bool:
    """Whether a JSON document is a record of Every Eval Ever, of any version."""
    known = isinstance(document.get("schema_version"), str) and isinstance(document.get("model_info"), dict)
    return known and isinstance(document.get("evaluation_results"), list)


def read_every_eval_ever(
    origin: Origin, document: dict[str, Any], here: Here, files: Files
) -> Iterator[MigratedRecord | Trouble]:
    """The record of a file in the newest version."""
    version = document["schema_version"]
    samples = eee_samples_file(origin.path, document)
    files.used |= {samples.resolve()} if samples else set()
    if version == SCHEMA_VERSION:
        yield Trouble(str(origin.path), f"a record of Every Eval Ever {version} already")
        return
    if version not in EEE_MIGRATED:
        reason = f"Every Eval Ever {single_line(version)}: records of 0.2 are migrated"
        yield Trouble(str(origin.path), reason, failed=True)
        return
    record = {name: document[name] for name in EEE_RECORD_KEYS if document.get(name) is not None}
    if not isinstance(record.get("evaluation_id"), str):
        raise ValueError("a record without an evaluation_id")
    record = json.loads(scrub(json.dumps(record)))
    info = part(record, "model_info")
    model = here.model(named(info.get("id")), moment_of(document.get("evaluation_timestamp")))
    record |= {
        "schema_version": SCHEMA_VERSION,
        "retrieved_timestamp": str(document.get("retrieved_timestamp") or "0"),
        "source_metadata": eee_source(part(record, "source_metadata"), origin, version),
        "model_info": eee_model(info, model.id),
        "eval_library": {"name": "unknown", "version": "unknown", **part(record, "eval_library")},
        "evaluation_results": eee_results(record.get("evaluation_results")),
    }
    try:
        refuse_claims(origin.path, record)
    except ScriptError as error:
        raise ValueError(single_line(error).removeprefix(f"{origin.path}: ")) from error
    titles = dict.fromkeys(single_line(row.get("evaluation_name")) for row in record["evaluation_results"])
    folders = origin.path.resolve().parts[-5:-1]  # data/<collection>/<developer>/<model>
    collection = folders[1] if len(folders) == 4 and folders[0] == "data" else None
    title = first(collection, str(record.get("evaluation_id", "")).split("/")[0] or None, next(iter(titles), "unnamed"))
    ids: dict[str, list[str]] = {}
    for row in record["evaluation_results"]:
        ids.setdefault(row["evaluation_name"], []).append(row["evaluation_result_id"])
    yield MigratedRecord(
        origin=origin,
        title=title,
        model=model,
        record=record,
        lines=(lambda: eee_lines(samples, record, ids)) if samples else None,
        sample_file=samples,
    )


def eee_samples_file(path: Path, document: Mapping[str, Any]) -> Path | None:
    """The samples of a record: named in it, or beside it."""
    said = part(document, "detailed_evaluation_results").get("file_path")
    names = [Path(said).name] if isinstance(said, str) else []
    for name in (*names, f"{path.stem}_samples.jsonl", f"{path.stem}.jsonl"):
        if name.endswith(".jsonl") and (path.parent / name).is_file():
            return path.parent / name
    return None


def eee_source(source: dict[str, Any], origin: Origin, version: str) -> dict[str, Any]:
    """Where the record came from, and what it was made of here."""
    ours = {"converter": "convert_results.py", "file": single_line(origin.path.name), "sha256": origin.sha256}
    ours |= {"format": f"every_eval_ever {version}", "beside_sha256": None}
    details = {**part(source, "additional_details"), **ours}
    needed = {"source_type": "documentation", "source_organization_name": "unknown", "evaluator_relationship": "other"}
    return {**needed, **source, "additional_details": strings(details)}


def eee_model(info: dict[str, Any], model_id: str) -> dict[str, Any]:
    """Who was measured, with what 0.3 asks for."""
    given = {name: eee_text(value) for name, value in part(info, "additional_details").items()}
    details = {"deployment_type": "unknown", "model_availability": "unknown", **given}
    details |= {"weights_bound_by": "the file itself"} if given.get("weights_sha256") else {}
    kept = {name: value for name, value in info.items() if value not in (None, "unknown")}
    return {**kept, "name": info.get("name") or model_id, "id": model_id, "additional_details": strings(details)}


def eee_text(value: Any) -> Any:
    """A detail as text: what is no text is JSON."""
    return value if isinstance(value, str) or value is None else json.dumps(value, ensure_ascii=False)


def eee_results(rows: Any) -> list[dict[str, Any]]:
    """The results with an id, a unit and a metric each."""
    found: list[dict[str, Any]] = []
    for row in rows_of(rows):
        metric, score = dict(part(row, "metric_config")), dict(part(row, "score_details"))
        value = finite(score.get("score"))
        if value is None or not isinstance(metric.get("lower_is_better"), bool):
            raise ValueError("a result without a finite score or a direction")
        name = str(row.get("evaluation_name") or "unnamed")
        metric_name = str(first(metric.get("metric_name"), metric.get("metric_id"), "score"))
        if "metric_unit" not in metric:
            bounds = finite(metric.get("min_score")), finite(metric.get("max_score"))
            metric["metric_unit"] = "proportion" if bounds == (0.0, 1.0) else "unknown"
        if metric.get("score_type") == "continuous" and not {"min_score", "max_score"} <= set(metric):
            del metric["score_type"]  # 0.3 asks for both bounds of one
        details = {key: eee_text(value) for key, value in part(metric, "additional_details").items()}
        metric["additional_details"] = strings({"aggregation": "unknown", **details})
        score["details"] = strings({key: eee_text(value) for key, value in part(score, "details").items()})
        used = {other["evaluation_result_id"] for other in found}
        own = str(row.get("evaluation_result_id") or f"{name}/{metric_name}")
        while own in used:
            own = f"{own}#"
        found.append({**row, "evaluation_result_id": own, "metric_config": metric, "score_details": score})
    return found


def eee_lines(path: Path, record: Mapping[str, Any], ids: Mapping[str, list[str]]) -> Iterator[dict[str, Any]]:
    """The lines of a samples file; a line belongs to a result by its id, else by a name that only one has."""
    for line in json_lines(path):
        row = {name: line[name] for name in EEE_LINE_KEYS if line.get(name) is not None}
        if "interactions" in line:
            row["messages"] = line["interactions"]
        known = ids.get(str(line.get("evaluation_name")), [])
        row |= {"schema_version": SCHEMA_VERSION, "evaluation_id": record["evaluation_id"]}
        row |= {"model_id": record["model_info"]["id"]}
        if "evaluation_result_id" not in row and len(known) == 1:
            row["evaluation_result_id"] = known[0]
        row["answer_attribution"] = [
            {**given, "source": str(given.get("source")).replace("interactions[", "messages[")}
            for given in rows_of(line.get("answer_attribution"))
        ]
        if isinstance(row.get("metadata"), dict):
            row["metadata"] = strings({name: eee_text(value) for name, value in row["metadata"].items()})
        yield row


class EeeChecks:
    """The schema of 0.3.0 for a record and for the lines of its samples; ValueError for what does not follow it."""

    def __init__(self) -> None:
        from jsonschema import Draft7Validator

        self.validators = {kind: Draft7Validator(schema) for kind, schema in EEE_SCHEMAS.items()}

    def check(self, kind: str, value: Mapping[str, Any]) -> None:
        """`kind` is record or sample."""
        for error in self.validators[kind].iter_errors(value):
            place = ".".join(map(str, error.absolute_path)) or f"the {kind}"
            raise ValueError(f"no {kind} of Every Eval Ever: {place}: {single_line(error.message)[:120]}")
        for result in rows_of(value.get("evaluation_results")):
            for problem in score_problems("its result", result):
                raise ValueError(f"no record of Every Eval Ever: {single_line(problem)[:160]}")


def eee_settle(record: dict[str, Any], means: Mapping[str, float]) -> None:
    """Say in a migrated record which scores are the mean of their samples."""
    for row in record["evaluation_results"]:
        mean, details = means.get(row["evaluation_result_id"]), row["metric_config"]["additional_details"]
        value = row["score_details"]["score"]
        if details["aggregation"] == "unknown" and mean is not None:
            same = abs(mean - value) <= SAME_SCORE * max(1.0, abs(value))
            details["aggregation"] = "mean" if same else "unknown"


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


# --- parts/formats/choices.py -----------------------------------------------------------------------------------------

BY_LIKELIHOOD = {"accuracy", "acc_norm", "acc_bytes"}  # metrics that are 1 where the likeliest choice is a right one


def likely_by_length(item: AskedItem) -> set[str]:
    """The likeliest choices for each of their characters or bytes, with or without the space before them: harnesses
    differ in what they count."""
    found = set()
    for measure in (len, lambda text: len(text.encode(errors="replace"))):
        for less in (0, 1):
            pairs = zip(item.chances or (), item.choices or (), strict=True)
            weighed = [(chance / max(1, measure(choice) - less), choice) for chance, choice in pairs]
            found.add(max(weighed, key=lambda pair: pair[0])[1])
    return found


def known_right(right: set[str], texts: Sequence[str]) -> bool:
    """Whether the right answers are choices, none of them a number that may be another's ("1", or choice number 1)."""
    numbers = [count for text in right if (count := count_in(text)) is not None and count < len(texts)]
    return bool(right) and right.issubset(texts) and all(texts[number] == str(number) for number in numbers)


@dataclass
class ChoiceCheck:
    """The choices of one task's items."""

    judged: dict[str, int] = field(default_factory=dict)
    wrong: dict[str, list[str]] = field(default_factory=dict)  # metric -> items whose score is another
    chances: array.array = field(default_factory=lambda: array.array("d"))  # of the likeliest choice of each item

    def add(self, item: AskedItem, score: ScoreRead) -> None:
        """Look at one item's score; of what is no choice by likelihood, or has no known gold, nothing is said."""
        taken, value = item.shown.get(score.name), item.values.get(score.name)
        if score.id not in BY_LIKELIHOOD or not taken or not item.chances or value not in (0, 1):
            return
        if len(item.chances) != len(item.choices or ()) or None in item.chances:
            return
        right = {text.strip() for text in item.references}
        plain = len(right) == 1 and item.references[0] in item.choices and not min(right).isdecimal()  # nearly always
        if not plain and not known_right(right, [choice.strip() for choice in item.choices]):
            return
        self.judged[score.name] = self.judged.get(score.name, 0) + 1
        if bool(value) is (taken[0].strip() in right):
            return
        allowed = likely_by_length(item) if score.id != "accuracy" else ()
        if bool(value) not in [choice.strip() in right for choice in allowed]:
            self.wrong.setdefault(score.name, []).append(item.id)

    def add_plain(self, items: PlainItems, score: ScoreRead) -> None:
        """Look at the scores of some items, at one by itself where its score is not as the likeliest choice says."""
        if score.id not in BY_LIKELIHOOD or not items.chances:
            return
        columns = zip(items.values[score.name], items.shown[score.name], items.references, items.choices, strict=True)
        for at, (value, taken, references, choices) in enumerate(columns):
            right = references[0] if len(references) == 1 else ""
            agreed = value == (taken[0].strip() == right.strip()) and right in choices
            if agreed and right.strip() and not right.strip().isdecimal():
                self.judged[score.name] = self.judged.get(score.name, 0) + 1
            else:
                self.add(items.item(at), score)

    def add_chances(self, item: AskedItem) -> None:
        if item.chances and item.choices and len(item.chances) == len(item.choices) and None not in item.chances:
            self.chances.append(likeliest(item.chances, item.choices))

    def take(self, later: ChoiceCheck) -> None:
        """Add what later items of the task say."""
        for name, count in later.judged.items():
            self.judged[name] = self.judged.get(name, 0) + count
        for name, items in later.wrong.items():
            self.wrong.setdefault(name, []).extend(items)
        self.chances += later.chances

    def contradiction(self, score: str) -> str | None:
        """What is wrong with a metric's scores, or None."""
        wrong = self.wrong.get(score)
        if not wrong:
            return None
        return (
            f"{len(wrong)} of {self.judged[score]} items are scored otherwise than the log-likelihoods of their "
            f"choices say ({single_line(wrong[0])[:60]})"
        )

    @property
    def likeliest(self) -> float | None:
        """The probability of about a token of the likeliest choice, in half of the items."""
        return statistics.median(self.chances) if self.chances else None

    @property
    def doubt(self) -> str:
        """What is said where every choice is improbable."""
        if self.likeliest is None or self.likeliest >= IMPROBABLE:
            return ""
        return (
            f"every choice is improbable (the likeliest of an item: {self.likeliest:.2g} a token): a space before the "
            "choices that is missing, or doubled?"
        )


# --- parts/formats/examples.py ----------------------------------------------------------------------------------------

# What begins a turn of the user in the templates of chat models, and in prompts that are kept with roles in front.
USER_TURN = re.compile(
    r"<\|im_start\|>user|<\|start_header_id\|>user|<start_of_turn>user|<\|user\|>|<\|start\|>user|\[INST\]"
    r"|^user: |^(?:USER|Human): ",
    re.M,
)
ANSWER_TURN = (
    r"assistant: *|<\|im_start\|>assistant|<\|start_header_id\|>assistant<\|end_header_id\|>|<start_of_turn>model"
)
CUE = re.compile(r"\w[^:\n]{0,29}:")  # "Answer:", "Question 3:" is none of them: its number differs
MOST_PROMPTS = 300  # of a task that are looked at
AGREED = 0.9  # share of the prompts that must show the same number


def examples_in(prompt: str) -> int | None:
    """The number of examples in one prompt; None when nothing in it shows that."""
    turns = len(USER_TURN.findall(prompt))
    lines = [line.strip() for line in re.sub(ANSWER_TURN, "\n", prompt).split("\n")]
    last = next((line for line in reversed(lines) if line), "")
    cue = CUE.match(last)
    by_cue = sum(line.startswith(cue[0]) for line in lines) - 1 if cue and len(last) <= len(cue[0]) + 1 else None
    if turns > 1:
        return turns - 1
    return by_cue if by_cue is not None else 0 if turns == 1 and len(lines) < 3 else None


@dataclass
class ExampleCount:
    """The examples in the prompts of one task."""

    found: Counter[int | None] = field(default_factory=Counter)

    @property
    def wanted(self) -> int:
        """How many more prompts are looked at."""
        return max(0, MOST_PROMPTS - self.found.total())

    def add(self, item: AskedItem) -> None:
        """Look at one item's prompt; of several requests of an item at the first."""
        if item.prompt is None or not self.wanted:
            return
        first = (item.choices or [""])[0]
        self.found[examples_in(first if first and item.prompt.startswith(f"{first}\n") else item.prompt)] += 1

    @property
    def number(self) -> int | None:
        """The number that (nearly) all prompts show; None: they do not, or show different ones."""
        if not self.found:
            return None
        number, count = self.found.most_common(1)[0]
        return number if count >= AGREED * self.found.total() else None

    def contradiction(self, shots: int | None) -> str:
        """What the prompts say against the number of the log's configuration; empty when nothing."""
        if shots is None or self.number is None or self.number == shots:
            return ""
        return f"its prompts hold {self.number} examples, while its configuration says {shots}"


# --- parts/formats/spans.py -------------------------------------------------------------------------------------------

MOST_PROCESSES = 8
SpanJob, SpanMade = TypeVar("SpanJob"), TypeVar("SpanMade")


class PartFile(io.FileIO):
    """A file of a record's samples: a write that fails is a failure of the output, and never of what is read."""

    def __init__(self, path: Path, mode: str, target: Path) -> None:
        self.target = target
        super().__init__(path, mode)

    def write(self, block: Any) -> int:
        with telling_of(self.target):
            return super().write(block)


@contextlib.contextmanager
def telling_of(target: Path) -> Iterator[None]:
    """What fails within is said to be of the file that was to be made."""
    try:
        yield
    except OSError as error:
        raise ScriptError(f"{target}: could not be written: {error.strerror or error}") from error


class PartFiles:
    """The samples of a record while they are read: files in a hidden folder beside the record, of which one is made.

    That file begins with the lines of the first metric: these are joined while other processes still read.
    """

    def __init__(self, target: Path | None) -> None:
        self.target, self.opened = target, False
        self.parts: dict[str, list[Path]] = {}
        self.rows: dict[str, int] = {}
        self.digest = hashlib.sha256()  # of what is joined

    @functools.cached_property
    def folder(self) -> Path | None:
        """Where the parts lie."""
        return None if self.target is None else Path(fresh_place(self.target.parent))

    def open(self, name: str) -> Any:
        """A file to write to; None when nothing is written."""
        if self.folder is None:
            return None
        self.opened = True
        return self.made(name, "wb")

    def made(self, name: str, mode: str) -> io.BufferedWriter:
        """A file in the folder, open to be written."""
        with telling_of(self.target):
            self.folder.mkdir(0o700, parents=True, exist_ok=True)
            return io.BufferedWriter(PartFile(self.folder / name, mode, self.target), 1 << 20)

    def add(self, score: str, name: str, rows: int) -> None:
        """Take a file that `open` gave, which is closed, for the next lines of a metric."""
        self.rows[score] = self.rows.get(score, 0) + rows
        if self.folder is not None:
            self.parts.setdefault(score, []).append(self.folder / name)
            if score == next(iter(self.parts)):
                self.append(score)

    def append(self, score: str) -> None:
        """Put the files of a metric at the end of the one that is made."""
        with self.made("all", "ab") as whole_file:
            while self.parts[score]:
                path = self.parts[score].pop(0)
                with path.open("rb") as part_file:
                    while block := part_file.read(1 << 20):
                        self.digest.update(block)
                        whole_file.write(block)
                path.unlink()

    def drop(self) -> None:
        """Remove what is written."""
        if self.opened:
            shutil.rmtree(self.folder, ignore_errors=True)
        self.parts, self.rows, self.digest = {}, {}, hashlib.sha256()

    def join(self, scores: Sequence[str]) -> tuple[str, int]:
        """Make one file of the parts of some metrics, not in place yet; its SHA-256 and its lines."""
        rows = sum(self.rows.get(score, 0) for score in scores)
        if self.folder is None:
            return "", rows
        if next(iter(self.parts)) not in scores:  # what is joined is of no use
            (self.folder / "all").unlink()
            self.digest = hashlib.sha256()
        for score in self.parts:
            if score in scores:
                self.append(score)
        return self.digest.hexdigest(), rows

    def has_the_lines_kept(self) -> bool:
        """Whether the joined file has the lines of the one in its place, in whatever order."""
        both = [self.folder / "all", self.target] if self.opened else []
        counts = []
        for path in both:
            if not path.is_file():
                return False
            with path.open("rb") as lines:
                counts.append(Counter(hashlib.sha256(line).digest() for line in lines))
        return len(counts) == 2 and counts[0] == counts[1]

    def keep(self) -> None:
        """Put the joined file in its place."""
        put_in_place(self.folder / "all", self.target)


@dataclass
class SpanRead:
    """What the items of a piece of a file came to."""

    tallies: dict[str, Tally] = field(default_factory=dict)
    counts: dict[str, Counts] = field(default_factory=dict)
    seen: set[int] = field(default_factory=set)  # hashes of ids, the same in all processes that a fork made
    files: dict[str, str] = field(default_factory=dict)  # of each metric, in the folder of PartFiles
    examples: ExampleCount = field(default_factory=ExampleCount)
    choices: ChoiceCheck = field(default_factory=ChoiceCheck)
    source_sha256: str = ""  # of the whole file, where it was read in pieces

    def take(self, later: SpanRead) -> None:
        """Join what the next piece came to; RepeatedIds when an item is in both."""
        if not self.seen:
            self.seen = later.seen
        elif self.seen.isdisjoint(later.seen):
            self.seen |= later.seen
        else:
            raise RepeatedIds
        for name, tally in later.tallies.items():
            self.tallies.setdefault(name, Tally()).take(tally)
        for name, counts in later.counts.items():
            self.counts.setdefault(name, Counts()).take(counts)
        self.choices.take(later.choices)


def read_spans(run: TaskRun, parts: PartFiles, now: int, own_ids: bool) -> SpanRead:
    """One pass over the items, each written as it is read; RepeatedIds when two are the same."""
    spans = list(enumerate(line_spans(run.sample_file) if run.in_spans else [()]))
    found, parts.opened = SpanRead(), parts.folder is not None  # by processes of their own
    digest = hashlib.sha256()
    with contextlib.ExitStack() as opened:
        source = opened.enter_context(open_result(run.sample_file) if run.in_spans else io.BytesIO())
        blocks = iter(lambda: source.read(1 << 20), b"")
        work = in_order(lambda span: read_span(run, parts, now, own_ids, *span), spans)
        for number, made in enumerate(opened.enter_context(contextlib.closing(work))):
            for block in itertools.islice(blocks, SPAN >> 20):  # while other processes still read
                digest.update(block)
            for score, name in made.files.items():
                parts.add(score, name, made.tallies[score].lines)
            found.examples = found.examples if number else made.examples
            found.take(made)
        for block in blocks:
            digest.update(block)
    return replace(found, source_sha256=digest.hexdigest() if run.in_spans else "")


def read_span(run: TaskRun, parts: PartFiles, now: int, own_ids: bool, number: int, span: Sequence[float]) -> SpanRead:
    """The items of one piece, with a file for each metric."""
    with contextlib.closing(SpanWriter(run, parts, now, number)) as writer:
        for items in run.samples(own_ids, *span):
            if type(items) is PlainItems:
                writer.add_plain(items)
            else:
                writer.add(items)
    return writer.made


class SpanWriter:
    """Takes the items of one piece, tallies them and writes their lines."""

    def __init__(self, run: TaskRun, parts: PartFiles, now: int, number: int) -> None:
        self.parts, self.number, self.made = parts, number, SpanRead()
        self.scores = {score.name: (score, best_of(score), no_credit(score)) for score in run.scores}
        head = record_head(run, now)
        self.prefixes = {score.name: samples_prefix(run, score.name, head) for score in run.scores}
        self.files: dict[str, Any] = {}

    def add(self, item: AskedItem) -> None:
        """One item; RepeatedIds when it was there before."""
        made = self.made
        if self.number == 0:
            made.examples.add(item)
        made.choices.add_chances(item)
        names = [name for name in item.values if name in self.scores]
        self.see([item.id], item.attempt, names)
        for name in names:
            score, best, lowest = self.scores[name]
            file = self.file(name)
            made.counts[name].add(item, name, lowest)
            made.choices.add(item, score)
            row = sample_entry(score, item, best)
            made.tallies[name].add(item, name, item.values[name] if "error" not in row else None)
            if file:
                file.write(self.prefixes[name] + as_line(row)[1:] + b"\n")

    def add_plain(self, items: PlainItems) -> None:
        """Some items, to the same end as each by itself."""
        made = self.made
        for at in range(min(len(items.ids), made.examples.wanted) if self.number == 0 else 0):
            made.examples.add(items.item(at))
        if items.chances:
            made.choices.chances.extend(map(likeliest, items.chances, items.choices))
        names = [name for name in items.values if name in self.scores]
        self.see(items.ids, None, names)
        rows = plain_rows(items) if self.parts.folder else None
        for name in names:
            score, best, lowest = self.scores[name]
            file, values = self.file(name), items.values[name]
            made.counts[name].take(items.counts(name, lowest))
            made.choices.add_plain(items, score)
            made.tallies[name].values.extend(values)
            if file:
                file.write(plain_lines(score, items, rows, best, self.prefixes[name]))

    def see(self, ids: Sequence[str], attempt: int | None, names: Sequence[str]) -> None:
        """Remember items; RepeatedIds when one was there before."""
        metric = names[0] if names else ""
        written = [own if own.isascii() else own.encode(errors="replace") for own in ids]  # surrogates are one
        keys = {hash((own, attempt, metric)) for own in written}
        if len(keys) < len(ids) or not self.made.seen.isdisjoint(keys):
            raise RepeatedIds
        self.made.seen |= keys

    def file(self, name: str) -> Any:
        """The file of a metric's lines; None when nothing is written."""
        if name not in self.files:
            self.made.tallies[name], self.made.counts[name] = Tally(), Counts()
            place = f"{self.number}-{len(self.files)}"
            self.files[name], self.made.files[name] = self.parts.open(place), place
        return self.files[name]

    def close(self) -> None:
        """Close the files."""
        for file in filter(None, self.files.values()):
            file.close()


def samples_prefix(run: TaskRun, score: str, head: Mapping[str, Any]) -> bytes:
    """What is the same in every samples line of a metric."""
    same = {
        "schema_version": SCHEMA_VERSION,
        "evaluation_id": head["evaluation_id"],
        "model_id": run.model.id,
        "evaluation_name": run.title,
        "evaluation_result_id": run.result_id(next(one for one in run.scores if one.name == score)),
    }
    return as_line(same)[:-1] + b","


def in_order(work: Callable[[SpanJob], SpanMade], jobs: Sequence[SpanJob]) -> Iterator[SpanMade]:
    """work(job) for each job, in their order; by several processes where there are cores (and forks, as on Linux)."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1
    count = min(cores, len(jobs), MOST_PROCESSES)
    if count < 2:
        yield from map(work, jobs)
        return
    import multiprocessing

    context = multiprocessing.get_context("fork")

    def serve(number: int, pipe: Any) -> None:
        for job in jobs[number::count]:
            try:
                pipe.send((work(job), None))
            except Exception as error:
                pipe.send((None, error))
                return

    pipes, workers = [], []
    try:
        for number in range(count):
            here, there = context.Pipe(duplex=False)
            workers.append(context.Process(target=serve, args=(number, there), daemon=True))
            workers[-1].start()
            there.close()
            pipes.append(here)
        for index in range(len(jobs)):
            try:
                made, error = pipes[index % count].recv()
            except EOFError as ended:
                raise MemoryError("a process that read it was ended") from ended
            if error is not None:
                raise error
            yield made
    finally:
        for worker in workers:
            worker.terminate()
            worker.join()


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


# --- parts/formats/converter.py ---------------------------------------------------------------------------------------

UNKNOWN_RULE = "unknown"  # the aggregation of a score that its items do not make by any rule that is known


class Converter:
    """Writes records; knows what was found out so far."""

    def __init__(self, output: Path, dry: bool) -> None:
        self.output, self.dry, self.report = output, dry, Report()
        self.told: set[str] = set()
        self.done: dict[Path, Conversion] = {}  # what was made for each place
        self.new: set[Path] = set()  # places that were free before

    def convert(self, run: TaskRun) -> None:
        """Write one task's record, or its failure."""
        file = str(run.origin.path)
        counted = [score.name for score in run.scores if is_no_score(run.origin.format, score.name, run.task)]
        if counted:
            names = ", ".join(single_line(name) for name in counted)
            if names not in self.told:  # once for all files that have the same
                self.told.add(names)
                self.report.notes.append(Trouble(file, f"counts, spreads, lengths, no scores: {names}", run.task))
            left = tuple(score for score in run.scores if score.name not in counted)
            run = replace(run, scores=left, failure=run.failure if left or run.failure else f"it has only {names}")
        wrong = {score.name: text for score in run.scores if (text := outside_range(score))}
        wrong |= several_values(run)
        if wrong:
            left = tuple(score for score in run.scores if score.name not in wrong)
            run = replace(run, scores=left, failure=None if left else "; ".join(wrong.values()))
            self.report.failures += [Trouble(file, text, run.task) for text in wrong.values() if left]
        if run.failure is not None:
            path = self.write_failure(run)
            self.report.failures.append(Trouble(file, run.failure, run.task, str(path)))
            return
        if "/" not in run.model.id and run.model.id not in self.told:
            self.told.add(run.model.id)
            way = option_words("--model-id", f"OWNER/{run.model.id}")
            told = f"{run.model.id} names no owner, which a datastore of records asks for: {way}"
            self.report.notes.append(Trouble(file, told))
        name = record_uuid(run)
        path = self.output / "data" / run.place / f"{name}.json"
        old = self.before(path)
        now = int(old["retrieved_timestamp"]) if old else int(time.time())
        parts = PartFiles(None if self.dry else path.with_name(f"{name}_samples.jsonl"))
        try:
            read, trouble = self.read_samples(run, parts, now)
            if doubt := read.examples.contradiction(run.shots):
                self.report.notes.append(Trouble(file, doubt, run.task))
                run = replace(run, settings={**run.settings, "examples_in_prompts": str(read.examples.number)})
            if doubt := read.choices.doubt:
                self.report.notes.append(Trouble(file, doubt, run.task))
            lost = {"lost_items": trouble} if trouble else {}
            if run.samples is None and run.promised:
                trouble = "the samples file is missing, and the log says that it was written"
                lost = {"missing_samples": "the log says that they were written"}
            elif run.samples is None and run.lost:
                trouble, lost = run.lost, {"lost_items": run.lost}
            if lost:
                lost = {name: single_line(text)[:200] for name, text in lost.items()}
                run = replace(run, counts={**run.counts, **lost})
            record, rows = self.assemble(run, parts, read, now)
            if trouble:
                where = f"{run.sample_file.name}: " if run.sample_file else ""
                self.report.failures.append(
                    Trouble(file, f"its items are left out: {where}{trouble}", run.task, str(run.sample_file or ""))
                )
            self.take(Conversion(path, record, run, rows), old, parts)
        except OSError as error:
            raise ScriptError(f"{path}: could not be written: {error.strerror or error}") from error
        finally:
            parts.drop()

    def supersede(self, run: TaskRun, reason: str) -> None:
        """Leave out a run that another one completes; what an earlier conversion said of its failure goes."""
        told = Trouble(str(run.origin.path), reason, run.task)
        self.report.skipped.append(told)
        self.report.notes.append(told)  # a number that is here and not shown is never left out in silence
        if not self.dry:
            failure = self.output / "data" / run.place / f"{record_uuid(run, 'failure')}_failure.json"
            take_away(failure)

    def before(self, path: Path) -> dict[str, Any] | None:
        """The record that is in a place already: of this conversion, or of an earlier one."""
        return self.done[path].record if path in self.done else old_record(path)

    def take(self, made: Conversion, old: dict[str, Any] | None, parts: PartFiles) -> None:
        """Keep a record, with its samples, where its place is free or the record there is of the same files, or fewer.

        Any text can say that it is another run: what other files say otherwise is a conflict, in which the record of an
        earlier conversion stays, and of two in one conversion neither is taken.
        """
        path, first = made.path, self.done.get(made.path)
        ours, there = sources(made.record), sources(old)
        stays = path not in self.new and path.is_file()
        file = first.run.origin.path if first and not stays else path
        told = Trouble(str(made.run.origin.path), f"the same run as in {file}", made.run.task)
        more = bool(there) and ours > there
        fewer = bool(ours) and there > ours
        if first and not stays and first.run.origin.path.parent != made.run.origin.path.parent:
            more = fewer = False  # what lies beside another copy of a result file need not be of its run
        if more and stays and (unlike := not_made_of_items(made.record)):
            wrong = f"items lie beside a copy of its file that do not make its score ({listing(unlike)}): it stays"
            self.report.conflicts.append(replace(told, reason=f"{wrong}; are they its own, take a new --output-dir"))
            return
        alike = bool(ours) and ours == there
        if old is not None and not (alike or more or fewer or says_the_same(old, made.record, parts)):
            wrong = "it is there, made of another file" if stays else "neither is taken"
            wrong = f"{file} says that the same run is another ({wrong}): move one of them away"
            self.report.conflicts.append(replace(told, reason=wrong))
            self.take_back(path)
            return
        if first and not more:
            self.report.skipped.append(told)
            return
        if more and part(made.record, "detailed_evaluation_results") != part(old or {}, "detailed_evaluation_results"):
            told = replace(told, reason="its items lie beside it, which the record that is there did not have: taken")
            self.report.notes.append(told)
        if not first and fewer:  # some of them are no longer here
            self.report.unchanged.append(replace(made, record=old))
            return
        if old is None:
            self.new.add(path)
        samples = path.with_name(f"{path.stem}_samples.jsonl")
        if first:
            self.forget(path)
        self.done[path] = made
        if old == made.record and not self.dry and (not made.rows or samples.is_file()):
            self.report.unchanged.append(made)
            return
        if not self.dry:
            self.put(path, made.record, parts, made.rows, old is not None)
        self.report.written.append(made)

    def forget(self, path: Path) -> None:
        """Report a record no more."""
        for reported in (self.report.written, self.report.unchanged):
            reported[:] = [made for made in reported if made is not self.done.get(path)]

    def take_back(self, path: Path) -> None:
        """Remove a record that this conversion has made, with its samples."""
        if path in self.new:
            self.forget(path)
            self.new.remove(path)
            for written in () if self.dry else (path, path.with_name(f"{path.stem}_samples.jsonl")):
                take_away(written)

    def migrate(self, old: MigratedRecord) -> None:
        """Write a record of an older version in this one, with its samples."""
        name = record_uuid(TaskRun(origin=old.origin, task=old.title, title=old.title, model=old.model, scores=()))
        place = f"{short_slug(old.title)}/{old.model.place}"
        path = self.output / "data" / place / f"{name}.json"
        record, sums, checks, lines = old.record, {}, EeeChecks(), 0
        parts = PartFiles(None if self.dry else path.with_name(f"{name}_samples.jsonl"))
        try:
            with contextlib.ExitStack() as opened:
                file = opened.enter_context(parts.open("lines")) if old.lines and not self.dry else None
                for row in old.lines() if old.lines else ():
                    checks.check("sample", row)
                    own, score = row.get("evaluation_result_id"), part(row, "evaluation").get("score")
                    if not row.get("error") and is_number(score):
                        total, count = sums.get(own, (0.0, 0))
                        sums[own] = (total + score, count + 1)
                    lines += 1
                    if file:
                        file.write(as_line(row) + b"\n")
            if lines:
                parts.add("", "lines", lines)
            eee_settle(record, {own: total / count for own, (total, count) in sums.items()})
            checksum, rows = parts.join([""]) if parts.rows else ("", 0)
            if rows:
                entry = {"format": "jsonl", "file_path": f"data/{place}/{name}_samples.jsonl", "total_rows": rows}
                record["detailed_evaluation_results"] = entry | {"hash_algorithm": "sha256", "checksum": checksum}
            checks.check("record", record)
            record["source_metadata"]["additional_details"] |= hashes_beside(old)
            run = TaskRun(origin=old.origin, task=old.title, title=old.title, model=old.model, scores=())
            self.take(Conversion(path, record, run, rows), self.before(path), parts)
        except OSError as error:
            raise ScriptError(f"{path}: could not be written: {error.strerror or error}") from error
        finally:
            parts.drop()

    def put(self, path: Path, record: dict[str, Any], parts: PartFiles, rows: int, known: bool) -> None:
        """The samples first, so that a record is never without them; `known` when there is an earlier record."""
        if rows:
            parts.keep()
        write_whole(path, as_document(record), durable=False)  # thousands, and made again as quickly
        if not rows and known:
            take_away(parts.target)

    def read_samples(self, run: TaskRun, parts: PartFiles, now: int) -> tuple[SpanRead, str | None]:
        """Read and write out the items; (nothing, reason) when they cannot be used."""
        if run.samples is None:
            return SpanRead(), None
        for own_ids in (True, False):
            try:
                read = read_spans(run, parts, now, own_ids)
                return read, None if read.tallies else "none of them has a value of one of its metrics"
            except RepeatedIds:
                parts.drop()
                reason = "two of its items have the same id"
            except ScriptError:
                raise
            except Exception as error:  # whatever a damaged or hostile file provokes
                parts.drop()
                return SpanRead(), reason_of(error)
        return SpanRead(), reason

    def assemble(self, run: TaskRun, parts: PartFiles, read: SpanRead, now: int) -> tuple[dict[str, Any], int]:
        """The record, and how many lines its samples have."""
        results, kept = [], []
        for score in run.scores:
            tally = read.tallies.get(score.name)
            lost = lost_filter(run, score, read)
            score, usable = self.settle(run, score, tally, read.choices.contradiction(score.name), lost)
            if usable and (gone := missing_items(run, score, read)):
                self.report.failures.append(Trouble(str(run.origin.path), f"its items are left out: {gone}", run.task))
                score, usable = replace(score, details={**score.details, "lost_items": gone}), False
            if usable:
                kept.append(score.name)
            elif tally:
                tally = Tally(values=tally.values)
            known: dict[str, Any] = read.counts[score.name].details if usable else {}
            if usable and read.choices.likeliest is not None:
                known |= {"likeliest_choice": f"{read.choices.likeliest:.3g}"}
            results.append(result_entry(run, score, tally if usable else None, known))
            if doubt := doubt_of_error(score, results[-1]):
                self.report.notes.append(Trouble(str(run.origin.path), doubt, run.result_id(score)))
        record = record_head(run, now) | {"evaluation_results": results}
        record["source_metadata"]["additional_details"] |= hashes_beside(run, read.source_sha256)
        rows = 0
        if kept:
            checksum, rows = parts.join(kept)
            record["detailed_evaluation_results"] = self.samples_entry(run, checksum, rows, read.source_sha256)
        return record, rows

    def settle(
        self, run: TaskRun, score: ScoreRead, tally: Tally | None, wrong: str | None, lost: str | None
    ) -> tuple[ScoreRead, bool]:
        """The score checked against its items, and whether these go into the record; `wrong`: what is against it;
        `lost`: what it means that it has none."""
        if tally is None or not (tally.values or tally.errors):
            return (self.in_conflict(run, score, lost) if lost else score), False
        wrong = wrong or outside_items(score, tally)
        if wrong:
            return self.in_conflict(run, score, wrong), False
        if score.aggregation is None:
            score = replace(score, aggregation="mean")
            if (doubt := conflict(score, tally)) and (rule := other_rule(score, tally)):
                if rule == UNKNOWN_RULE:
                    told = f"{doubt}, and it does not say how it is made of them: no verdicts from them"
                    self.report.notes.append(Trouble(str(run.origin.path), told, run.result_id(score)))
                return replace(score, aggregation=rule), True
        wrong = conflict(score, tally)
        if wrong and tally.by_item and not conflict(score, Tally(array.array("d", tally.items))):
            return replace(score, aggregation="mean over items of the mean over repeats"), True
        if wrong:
            return self.in_conflict(run, score, wrong), False
        formula, other = checked_formula(score, tally)
        if other and score.doubt:
            return self.in_conflict(run, score, f"{other}: {score.doubt}"), False
        if other:
            self.report.notes.append(Trouble(str(run.origin.path), other, run.result_id(score)))
            score = replace(score, details={**score.details, "items_make": other})
        score = replace(score, formula=formula)
        return with_standard_error(unrounded(score, tally), tally), True

    def in_conflict(self, run: TaskRun, score: ScoreRead, wrong: str) -> ScoreRead:
        """A score that what was kept beside it contradicts: kept, and said, for no reader to use."""
        self.report.conflicts.append(Trouble(str(run.origin.path), wrong, run.result_id(score)))
        return replace(score, details={**score.details, "conflict": wrong})

    def samples_entry(self, run: TaskRun, checksum: str, rows: int, source: str) -> dict[str, Any]:
        """A record's reference to its samples; `source`: the SHA-256 of the file that they are from, where known."""
        details = {}
        if run.sample_file is not None:
            details = {"source_file": single_line(run.sample_file.name)}
            details["source_sha256"] = source or file_digest(run.sample_file)
        return {
            "format": "jsonl",
            "file_path": f"data/{run.place}/{record_uuid(run)}_samples.jsonl",
            "hash_algorithm": "sha256",
            "checksum": checksum,
            "total_rows": rows,
            "additional_details": details,
        }

    def write_failure(self, run: TaskRun) -> Path:
        """Say on disk that a task gave no score, and why."""
        path = self.output / "data" / run.place / f"{record_uuid(run, 'failure')}_failure.json"
        seconds = run.moment.seconds
        content = {
            "failure_version": "1",
            "task": single_line(run.task),
            "model_id": run.model.id,
            "weights_sha256": run.model.weights_sha256,
            "path": run.model.path,
            "error": run.failure,
            "time": None if seconds is None else str(int(seconds)),
            "settings": strings(settings_details(run.settings)),
            "eval_library": {"name": LIBRARIES[run.origin.format], "version": run.version},
            "source": {"file": single_line(run.origin.path.name), "sha256": run.origin.sha256},
            "log": [],
        }
        if not self.dry:
            write_whole(
                path, json.dumps(content, indent=1, ensure_ascii=False).encode(errors="replace").decode() + "\n"
            )
        return path


def other_rule(score: ScoreRead, tally: Tally) -> str | None:
    """By what else than their mean the items may make a score whose file does not say it; None where that is all.

    A metric that is a mean by its name is one, but where it may count those that have no value here.
    """
    divided = tally.ratio[0] / tally.ratio[1] if tally.ratio[1] else math.inf
    if abs(divided - score.value) <= SAME_SCORE * max(1.0, abs(score.value)):
        return "ratio of sums"
    total, many = sum(tally.values), tally.lines
    with_lost = tally.errors and total / many - SAME_SCORE <= score.value <= (total + tally.errors) / many + SAME_SCORE
    return None if is_item_mean(str(score.details.get("metric", score.id))) and not with_lost else UNKNOWN_RULE


def not_made_of_items(record: Mapping[str, Any]) -> list[str]:
    """The results of a record that has items, which these do not make by a rule that is known."""
    found = []
    for result in record["evaluation_results"]:
        rule = part(result, "metric_config", "additional_details").get("aggregation")
        details = part(result, "score_details", "details")
        if rule == UNKNOWN_RULE or details.get("scored") == "0" or {"conflict", "items_make"} & details.keys():
            found.append(single_line(result.get("evaluation_result_id")))
    return found


def several_values(run: TaskRun) -> dict[str, str]:
    """The names under which a run has several numbers, with what is said of each: none of them is taken."""
    numbers: dict[str, list[float]] = {}
    for score in run.scores:
        numbers.setdefault(score.name, []).append(score.value)
    return {
        name: f"{single_line(name)} has several values ({', '.join(f'{value:g}' for value in values[:3])})"
        for name, values in numbers.items()
        if len(values) > 1
    }


def lost_filter(run: TaskRun, score: ScoreRead, read: SpanRead) -> str | None:
    """What is wrong when a samples file has the answers of other filters of a metric, and none of this one."""
    metric = score.name.partition(",")[0]
    alike = [own.name for own in run.scores if own.filter and own.name.partition(",")[0] == metric]
    if score.filter is None or not any(read.tallies[name].lines for name in alike if name in read.tallies):
        return None
    return f"its samples file has no answer of the filter {score.filter}, and has those of another (a file cut off?)"


def missing_items(run: TaskRun, score: ScoreRead, read: SpanRead) -> str | None:
    """What is said where fewer items are here than the file says that its score is of, though their mean is the same.

    By the metric of which most are: harnesses have metrics of some items alone.
    """
    alike = [read.tallies[own.name] for own in run.scores if own.filter == score.filter and own.name in read.tallies]
    there = max(tally.lines for tally in alike)  # no fewer than items: some count each time that one was asked
    if score.count is None or there >= score.count:
        return None
    return f"{there} of the {score.count} items that the file states are here (a file cut off?)"


def doubt_of_error(score: ScoreRead, result: dict[str, Any]) -> str:
    """What is said of a standard error that cannot be of so many items."""
    config, uncertainty = result["metric_config"], result["score_details"]["uncertainty"]
    low, high = config.get("min_score"), config.get("max_score")
    if score.aggregation != "mean" or config["metric_unit"] not in ("proportion", "percent") or None in (low, high):
        return ""
    span, error, clusters = high - low, score.standard_error or 0.0, score.scorer.get("cluster_by")
    method = "clustered" if clusters else score.method or ""
    return error_doubt((score.value - low) / span, error / span, uncertainty.get("num_samples"), method)


def hashes_beside(run: TaskRun | MigratedRecord, items_sha256: str = "") -> dict[str, str]:
    """The SHA-256 of the files that are read beside a result file; `items_sha256`: that of the items file, if known."""
    known = {run.sample_file: items_sha256}
    files = dict.fromkeys(path for path in (run.sample_file, *run.beside) if path not in (None, run.origin.path))
    found = {single_line(path.name): known.get(path) or file_digest(path) for path in files}
    return {"beside_sha256": json.dumps(found, sort_keys=True)} if found else {}


def sources(record: Mapping[str, Any] | None) -> set[tuple[str, str]]:
    """The files that a record was made of, by name, each with its SHA-256; the result file's name tells nothing."""
    details = part(record or {}, "source_metadata", "additional_details")
    items = part(record or {}, "detailed_evaluation_results", "additional_details")
    beside = {str(items.get("source_file")): items.get("source_sha256")}  # all that earlier versions of this kept
    with contextlib.suppress(ValueError, TypeError):
        beside = dict(strict_json(str(details.get("beside_sha256")).encode()))
    whole = details.get("sha256")
    found = [("", whole), *((str(name), digest) for name, digest in beside.items() if digest != whole)]
    return {(name, digest) for name, digest in found if isinstance(digest, str)}


def says_the_same(old: Mapping[str, Any], new: Mapping[str, Any], parts: PartFiles) -> bool:
    """Whether two records of one place are of one run in two forms of file: the items may be in another order."""
    both = [says_of_run(old), says_of_run(new)]
    if both[0] == both[1]:
        return True
    for told in both:
        told["detailed_evaluation_results"].pop("checksum", None)
    return both[0] == both[1] and parts.has_the_lines_kept()


def says_of_run(record: Mapping[str, Any]) -> dict[str, Any]:
    """What a record says, but for when and of which file it was made."""
    told = {name: value for name, value in record.items() if name != "retrieved_timestamp"}
    for name in ("source_metadata", "detailed_evaluation_results"):
        told[name] = {key: value for key, value in part(record, name).items() if key != "additional_details"}
    return told


def old_record(path: Path) -> dict[str, Any] | None:
    """The record of an earlier conversion; None when there is none, or a damaged one."""
    with contextlib.suppress(ValueError, ScriptError):
        if not os.path.lexists(path):
            return None
        record = strict_json(input_bytes(path))
        if isinstance(record, dict) and str(record.get("retrieved_timestamp")).isdecimal():
            return record
    return None


# --- parts/formats/evalplus.py ----------------------------------------------------------------------------------------

EVALPLUS_FILE = re.compile(
    r"(?P<model>.+?)(?:_(?P<backend>vllm|hf|openai|anthropic|google|bedrock|ollama|gptqmodel|hf_gaudi))?"
    r"_temp_(?P<temperature>\d+(?:\.\d+)?)(?P<rest>.*?)"
)
EVALPLUS_RIGHT = {"pass", "success"}  # "success": before 0.2
EVALPLUS_TITLES = {
    "HumanEval": ("humaneval", "humaneval_plus", "evalplus/humanevalplus"),
    "Mbpp": ("mbpp_evalplus_base", "mbpp_plus", "evalplus/mbppplus"),
}


def is_evalplus(document: Mapping[str, Any], _path: Path) -> bool:
    """Whether a JSON document is a result of EvalPlus."""
    items = document.get("eval")
    if not isinstance(items, dict) or not items or "hash" not in document:
        return False
    return all(re.fullmatch(r"(?:HumanEval|Mbpp)/\d+", str(name)) for name in items)


def read_evalplus(origin: Origin, document: dict[str, Any], here: Here, files: Files) -> Iterator[TaskRun | Trouble]:
    """The benchmark with its own tests, and with those of EvalPlus."""
    stem = re.sub(r"[._]?eval_results$", "", origin.path.stem) or origin.path.parent.name
    said = EVALPLUS_FILE.fullmatch(stem)
    name = said["model"].replace("--", "/", 1) if said else None
    moment = moment_of(document.get("date"))
    model = here.model(name, moment)
    items = {key: evalplus_statuses(rows) for key, rows in document["eval"].items()}
    asked = {key.split("/")[0] for key in items}
    if len(asked) > 1:
        raise ValueError(f"items of {' and '.join(sorted(asked))} in one file: of which benchmark is the score?")
    base, plus, repo = EVALPLUS_TITLES[asked.pop()]
    for title, kind in ((base, "base"), (plus, "plus")):
        right = {key: evalplus_right(rows, kind) for key, rows in items.items()}
        if not all(right.values()):
            if kind == "plus" and not any(right.values()):
                continue  # only the tests of the original were run
            yield Trouble(str(origin.path), "an item without a result", title, failed=True)
            continue
        scores = evalplus_scores(part(document, "pass_at_k", kind), right)
        late = sum("timeout" in row[: 1 + (kind == "plus")] for rows in items.values() for row in rows)
        yield TaskRun(
            origin=origin,
            task=title,
            title=title,
            model=model,
            scores=scores,
            version=here.version or "unknown",
            source=source_named(repo, revision=named(document.get("hash"))),
            generation_args={"temperature": finite(float(said["temperature"])) if said else None},
            settings={
                "backend": said["backend"] if said else None,
                "variant": (said["rest"].strip("-_.") or None) if said else None,
                "solutions_per_item": max(map(len, right.values())),
            },
            moment=moment,
            counts={"limit_hit": late},
            samples=lambda _, right=right, scores=scores: evalplus_items(document["eval"], right, scores),
            sample_file=origin.path,
        )


def evalplus_statuses(rows: Any) -> list[tuple[str | None, str | None, str]]:
    """(base, plus, solution) of an item's solutions; before 0.2.1 {"base": [[status, ...]], "plus": ...}."""
    if isinstance(rows, dict):
        base = [named(row[0]) for row in rows.get("base") or [] if isinstance(row, list) and row]
        plus = [named(row[0]) for row in rows.get("plus") or [] if isinstance(row, list) and row]
        plus += [None] * (len(base) - len(plus))
        return [(one, other, "") for one, other in zip(base, plus, strict=False)]
    found = []
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, dict):
            found.append((named(row.get("base_status")), named(row.get("plus_status")), str(row.get("solution") or "")))
    return found


def evalplus_right(rows: Sequence[tuple[str | None, str | None, str]], kind: str) -> list[bool]:
    """Whether each solution of an item passed; [] when not tried. For "plus" the base tests must pass too."""
    if kind == "plus" and any(plus is None for _, plus, _ in rows):
        return []
    return [base in EVALPLUS_RIGHT and (kind == "base" or plus in EVALPLUS_RIGHT) for base, plus, _ in rows]


def evalplus_scores(given: Mapping[str, Any], right: Mapping[str, Sequence[bool]]) -> tuple[ScoreRead, ...]:
    """pass@k as the file has it; from the items where an old file has none."""
    known = {name: finite(value) for name, value in given.items() if re.fullmatch(r"pass@\d+", name)}
    if not known:
        known = {"pass@1": sum(sum(row) / len(row) for row in right.values()) / len(right)}
    return tuple(
        ScoreRead(
            *(name, f"pass_at_{name[5:]}", value, "mean"),
            unit=("proportion", 0.0, 1.0),
            scorer={"scorer": "tests"},
            **direction_in("evalplus", name),
        )
        for name, value in known.items()
        if value is not None
    )


def evalplus_items(
    rows: Mapping[str, Any], right: Mapping[str, Sequence[bool]], scores: Sequence[ScoreRead]
) -> Iterator[AskedItem]:
    """The items, each with all its solutions."""
    for key, passed in right.items():
        values = {score.name: pass_at_k(len(passed), sum(passed), int(score.name[5:])) for score in scores}
        answers = [solution for _, _, solution in evalplus_statuses(rows[key])]
        yield AskedItem(
            id=key,
            raw=key,
            references=[],
            answers=answers,
            values=values,
            generative=True,
            truncated=None,
            unparsed=None,
            tries={"pass@1": [float(one) for one in passed]} if len(passed) > 1 else None,
        )


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


# --- parts/formats/evalscope.py ---------------------------------------------------------------------------------------

EVALSCOPE_ROUNDING = 1.01e-4  # of a mean, weighted by items, of means: each rounded to four digits
EVALSCOPE_UNITS = {(0.0, 1.0): "proportion", (0.0, 100.0): "percent", (-1.0, 1.0): "coefficient"}
# Of the run's configuration: names, places and what is said elsewhere in the record.
EVALSCOPE_LEFT_OUT = {
    *("api_key", "api_url", "model", "model_id", "datasets", "dataset_args", "dataset_dir", "dataset_hub", "debug"),
    *("work_dir", "use_cache", "no_timestamp", "enable_progress_tracker", "evalscope_version", "rerun_review", "judge"),
    *("generation_config", "model_args", "analysis_report", "collect_perf", "ignore_errors", "eval_config"),
}


def is_evalscope(document: Mapping[str, Any], _path: Path) -> bool:
    """Whether a JSON document is a report of evalscope."""
    metrics = rows_of(document.get("metrics"))
    known = {"dataset_name", "model_name", "metrics"} <= set(document)
    return known and bool(metrics) and all(isinstance(row.get("categories"), list) for row in metrics)


def read_evalscope(origin: Origin, document: dict[str, Any], here: Here, files: Files) -> Iterator[TaskRun | Trouble]:
    """The one task of a report."""
    task, shown = named(document.get("dataset_name")), named(document.get("model_name"))
    if task is None:
        raise ValueError("it does not say which data set was asked")
    run_folder = origin.path.parent.parent.parent
    config = evalscope_config(run_folder, shown)
    asked = part(config, "dataset_args", task)
    metrics = rows_of(document["metrics"])
    measured = [row for row in metrics if part(row, "semantics").get("kind") != "diagnostic"]
    for row in metrics:
        if row not in measured:
            yield Trouble(str(origin.path), f"{evalscope_name(row)}: evalscope calls it a diagnostic, no score", task)
    subsets = evalscope_subsets(metrics)
    reviews = run_folder / "reviews" / origin.path.parent.name
    files_of = {name: f"{task}_{name}.jsonl" for name in subsets}
    found = {
        name: reviews / file
        for name, file in files_of.items()
        if Path(file).name == file and (reviews / file).is_file()
    }
    files.used |= {path.resolve() for path in found.values()}
    whole_run = len(found) == len(subsets) > 0
    missing = [single_line(name) for name in subsets if name not in found] if found else []
    judge = {"grader_model": ", ".join(all_texts(part(document, "judge_summary").get("judge_models"))) or None}
    scores = [evalscope_score(row, judge, evalscope_repeats(config, measured)) for row in measured]
    rows = zip(scores, measured, strict=True)
    keys = {score.name: {score.name, score.id, named(row.get("name")) or ""} for score, row in rows if score}
    given = part(config, "generation_config")
    summary = part(document, "execution_summary")
    yield TaskRun(
        origin=origin,
        task=task,
        title=task,
        model=here.model(first(named(config.get("model")), shown), Moment()),
        scores=tuple(score for score in scores if score is not None),
        shots=whole(asked.get("few_shot_num")),
        version=here.version or named(config.get("evalscope_version")) or "unknown",
        source=source_named(named(asked.get("dataset_id")) or task, split=asked.get("eval_split")),
        generation_args={
            "temperature": finite(given.get("temperature")),
            "max_tokens": whole(given.get("max_tokens")),
            "top_p": finite(given.get("top_p")),
            "top_k": finite(given.get("top_k")),
        },
        settings=merged_settings(
            {"limit": config.get("limit"), "repeats": config.get("repeats")},
            {name: value for name, value in config.items() if name not in EVALSCOPE_LEFT_OUT},
            part(config, "model_args"),
            given,
            {name: asked.get(name) for name in ("prompt_template", "system_prompt", "few_shot_random", "filters")},
            {"subsets": json.dumps(subsets) if len(subsets) > 1 else None, "judge": config.get("judge")},
        ),
        moment=Moment(),
        counts=evalscope_attempts(summary)
        | {f"subset {name}": f"{value!r} of {count}" for name, (value, count) in subsets.items() if len(subsets) > 1},
        samples=(lambda _: evalscope_items(found, keys, config.get("repeats") != 1)) if whole_run else None,
        sample_file=next(iter(found.values()), None) if whole_run else None,
        beside=tuple(found.values()) if whole_run else (),
        lost=f"the answers of {listing(missing, 4)} are not here" if missing else "",
        failure=None if any(scores) else "none of its metrics is a finite number",
    )


def evalscope_config(folder: Path, model: str | None) -> dict[str, Any]:
    """The configuration of the run that a report belongs to; {} when it is not here or another model's."""
    for path in sorted((folder / "configs").glob("task_config*.yaml"), reverse=True):
        config = small_yaml(path)
        if isinstance(config, dict) and model in (config.get("model_id"), config.get("model"), None):
            return config
    return {}


def evalscope_name(row: Mapping[str, Any]) -> str:
    """A metric's name: that of version 1, or of its identity with what sets it apart from the plain mean."""
    identity = part(row, "identity")
    if not identity:
        return single_line(row.get("name"))
    axes = ",".join(f"{name}={value}" for name, value in part(identity, "dimensions").items())
    rule = identity.get("aggregation")
    return single_line(identity.get("name")) + (f":{rule}" if rule != "mean" else "") + (f"[{axes}]" if axes else "")


def evalscope_attempts(summary: Mapping[str, Any]) -> dict[str, int]:
    """What a run says of its requests, which its scores leave out where they failed."""
    requested, succeeded = whole(summary.get("requested")), whole(summary.get("succeeded"))
    if requested is None or succeeded is None or succeeded >= requested:
        return {}
    return {"attempts": requested, "scored": succeeded, "errored": requested - succeeded}


def evalscope_repeats(config: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> int:
    """How often each item was asked: a mean's `num` counts each time, that of pass@k the items."""
    if told := whole(config.get("repeats")):
        return max(1, told)
    by_kind: dict[bool, int] = {}
    for row in rows:
        of_items = evalscope_metric(evalscope_name(row), part(row, "identity")).startswith("pass_at_")
        by_kind[of_items] = max(whole(row.get("num")) or 0, by_kind.get(of_items, 0))
    times, rest = divmod(by_kind.get(False, 1), by_kind.get(True) or by_kind.get(False) or 1)
    return max(1, times) if not rest else 1


def evalscope_metric(name: str, identity: Mapping[str, Any]) -> str:
    """The shared id of a metric: acc -> accuracy, acc_pass@2 and accuracy joined by pass_at_k of 2 -> pass_at_2."""
    bare, rule = name.split(":", 1)[0].split("[", 1)[0].removeprefix("mean_"), identity.get("aggregation")
    if match := re.search(r"(?:^|_)pass@(\d+)$", bare):
        return f"pass_at_{match[1]}"
    if rule == "pass_at_k" and (k := whole(part(identity, "dimensions").get("k"))):
        return f"pass_at_{k}"
    shared = METRIC_IDS.get(bare, bare)
    apart = "" if rule in (None, "mean", "identity") else f"_{rule}"
    return single_line(
        "".join([shared, apart, *(f"_{axis}_{value}" for axis, value in part(identity, "dimensions").items())])
    )


def evalscope_score(row: Mapping[str, Any], judge: Mapping[str, Any], repeats: int) -> ScoreRead | None:
    """A metric of a report; None when it is no finite number. repeats: how often each item was asked."""
    value, name, meaning = finite(row.get("score")), evalscope_name(row), part(row, "semantics")
    if value is None:
        return None
    rule, count = part(row, "identity").get("aggregation"), whole(row.get("num"))
    known = evalscope_metric(name, part(row, "identity"))
    if count and not known.startswith("pass_at_") and count % repeats == 0:
        count //= repeats
    bounds = part(meaning, "value_range")
    unit = EVALSCOPE_UNITS.get((finite(bounds.get("min")), finite(bounds.get("max"))))
    stated = (unit, finite(bounds.get("min")), finite(bounds.get("max"))) if unit else None
    way = str(meaning.get("direction"))
    return ScoreRead(
        name,
        known,
        value,
        None if rule in (None, "mean", "identity") else str(rule),
        **direction_in("evalscope", name, way == "lower_is_better" if "better" in way else None),
        count=count or None,
        unit=stated or unit_in("evalscope", name),
        scorer=judge,
        rounding=EVALSCOPE_ROUNDING,
    )


def evalscope_subsets(metrics: Sequence[Mapping[str, Any]]) -> dict[str, tuple[float | None, int | None]]:
    """Score and size of each subset in the first metric: all ask the same items."""
    rows = [row for group in rows_of(metrics[0].get("categories")) for row in rows_of(group.get("subsets"))]
    return {
        single_line(row["name"]): (finite(row.get("score")), whole(row.get("num")))
        for row in rows
        if isinstance(row.get("name"), str) and "/" not in row["name"] and not row.get("is_aggregate")
    }


def evalscope_items(found: Mapping[str, Path], keys: Mapping[str, set[str]], several: bool) -> Iterator[AskedItem]:
    """The items of all subsets, one for each time that they were asked."""
    asked: dict[str, int] = {}
    for subset, path in found.items():
        for line in json_lines(path):
            item = evalscope_item(line, subset, keys)
            asked[item.id] = asked.get(item.id, 0) + 1
            if several:
                item.attempt = first(whole(part(line, "sample_score").get("generation_index")), asked[item.id] - 1)
            yield item


def evalscope_item(line: Mapping[str, Any], subset: str, keys: Mapping[str, set[str]]) -> AskedItem:
    """One line of a reviews file."""
    sample, score = part(line, "sample_score"), part(line, "sample_score", "score")
    given = {name: finite(value) for name, value in part(score, "value").items()}
    values: dict[str, float | None] = {}
    for name, own in keys.items():
        fits = [key for key in given if {key, f"mean_{key}", METRIC_IDS.get(key, key)} & own]
        values |= {name: given[fits[0]] if fits else None} if fits or not given or len(keys) == 1 else {}
    messages = rows_of(line.get("messages"))
    answers = [message_text(row.get("content")) for row in messages if row.get("role") == "assistant"][-1:]
    prompt = messages_text([row for row in messages if row.get("role") != "assistant"], None) if messages else None
    read, status = score.get("extracted_prediction"), score.get("status")
    metadata = bounded_metadata(part(sample, "sample_metadata")) | {"subset": subset}
    usable = status in (None, "success")
    return AskedItem(
        id=f"{subset}/{first(sample.get('group_id'), sample.get('sample_id'), line.get('index'))}",
        raw=prompt or str(line.get("input") or ""),
        references=all_texts(line.get("target")),
        answers=answers or all_texts(score.get("prediction")),
        values=values if usable else dict.fromkeys(values or keys),
        prompt=prompt,
        found=(read, "evalscope") if isinstance(read, str) and read else None,
        error=None if usable else f"evalscope says {single_line(status)}",
        generative=True,
        truncated=None,
        unparsed=read == "" if isinstance(read, str) else None,
        metadata=strings(metadata),
    )


# --- parts/formats/helm.py --------------------------------------------------------------------------------------------

# What HELM counts beside the scores: tokens, seconds, requests, how sure the model was.
HELM_PARTS = ("stats.json", "per_instance_stats.json", "scenario_state.json")  # of a run, beside its run_spec.json
HELM_COUNTS = re.compile(
    r"num_.*|(?:inference|training)_.*|.*_runtime|batch_size|finish_reason_.*|prompt_truncated|max_prob|predicted_index"
    r"|logprob.*|platt_.*|.*_(?:cost|time|energy)|none_prob|.*_log_prob"
)
HELM_LANGUAGE_MODELING = ("perplexity", "bits_per_byte")  # scores of that adapter alone


# Of HELM's adapter: who was asked, and what has a name of its own in the record.
HELM_NAMED = {"model", "model_deployment", "max_train_instances", "temperature", "max_tokens", "stop_sequences"}
HELM_NAMED |= {"num_train_trials", "max_eval_instances", "eval_splits"}


def helm_title(name: str) -> str:
    """A run's name without its model: "mmlu:subject=law,model=a_b" -> "mmlu:subject=law"."""
    return re.sub(r"[:,](?:model|model_deployment)=[^,]*", "", single_line(name)) or "unnamed"


def helm_split(stats: Sequence[Mapping[str, Any]]) -> str | None:
    """The split that HELM reports: test, or valid where there is no test."""
    splits = {part(stat, "name").get("split") for stat in stats}
    return next((split for split in ("test", "valid") if split in splits), None)


def helm_scores(stats: Sequence[Mapping[str, Any]], split: str | None, adapter: Mapping[str, Any]) -> list[ScoreRead]:
    """The scores in stats.json: of one split, of items as they are, without what HELM only counts."""
    method = str(adapter.get("method"))
    found = []
    for stat in stats:
        name = part(stat, "name")
        metric, value = named(name.get("name")), finite(stat.get("mean"))
        if name.get("perturbation") is not None or name.get("split") != split or not metric or value is None:
            continue
        if HELM_COUNTS.fullmatch(metric) or (metric in HELM_LANGUAGE_MODELING and method != "language_modeling"):
            continue
        shared = "accuracy" if metric == "exact_match" and method.startswith("multiple_choice") else metric_id(metric)
        unit = unit_in("helm", metric)
        found.append(ScoreRead(metric, shared, value, None, unit=unit, **direction_in("helm", metric)))
    return found


def helm_values(row: Mapping[str, Any], split: str | None) -> dict[str, float | None]:
    """The numbers of one item in per_instance_stats.json."""
    found = {}
    for stat in rows_of(row.get("stats")):
        name = part(stat, "name")
        if name.get("split") == split and name.get("perturbation") is None and isinstance(name.get("name"), str):
            found[single_line(name["name"])] = finite(stat.get("mean"))
    return found


def helm_item(
    row: Mapping[str, Any], states: Sequence[Mapping[str, Any]], scores: Sequence[str], split: str | None
) -> AskedItem:
    """One item; what it asked is in scenario_state.json, in one state per request."""
    values = helm_values(row, split)
    instance = part(states[0], "instance") if states else {}
    references = rows_of(instance.get("references"))
    state = states[0] if len(states) == 1 else {}
    outputs = [part(reference, "output").get("text") for reference in references]
    right = [part(ref, "output").get("text") for ref in references if "correct" in all_texts(ref.get("tags"))]
    completions = [str(done.get("text")) for done in rows_of(part(state, "result").get("completions"))]
    prompt = part(state, "request").get("prompt")
    mapping = part(state, "output_mapping")
    chosen = mapping.get(completions[0].strip()) if completions else None
    failed = part(state, "result").get("success") is False
    values = {score: values.get(score) for score in scores if score in values}
    lost = failed and not any(value is not None for value in values.values())
    return AskedItem(
        id=single_line(row.get("instance_id")),
        raw=str(part(instance, "input").get("text") or ""),
        references=[text for text in right if isinstance(text, str)],
        answers=completions,
        values=values,
        choices=[text for text in outputs if isinstance(text, str)] if mapping and len(outputs) > 1 else None,
        prompt=prompt if isinstance(prompt, str) else None,
        found=(chosen, "output_mapping") if isinstance(chosen, str) else None,
        error="the request failed" if lost else None,
        errored=int(failed),
        generative=bool(completions),
        truncated=helm_cut(row, split),
        attempt=whole(row.get("train_trial_index")),
        metadata=bounded_metadata({**part(instance, "extra_data"), "sub_split": instance.get("sub_split")}),
    )


def helm_cut(row: Mapping[str, Any], split: str | None) -> bool | None:
    """Whether an answer ended at the token limit, when HELM knows why it ended."""
    values = helm_values(row, split)
    if values.get("finish_reason_unknown"):
        return None
    ended = values.get("finish_reason_length")
    return None if ended is None else ended > 0


def read_helm(origin: Origin, document: dict[str, Any], here: Here, files: Files) -> Iterator[TaskRun | Trouble]:
    """The run in a HELM run folder; `document` is its run_spec.json."""
    folder, adapter = origin.path.parent, part(document, "adapter_spec")
    name, model_name = named(document.get("name")), named(adapter.get("model"))
    if name is None or model_name is None:
        raise ValueError("a run without a name or a model")
    path = folder / HELM_PARTS[0]
    if not path.is_file():
        raise ValueError("no stats.json beside it: the run did not finish")
    stats = rows_of(json_value(read_bounded(path)))
    split = helm_split(stats)
    parts: list[Any] = []
    for part_name in HELM_PARTS[1:]:
        try:
            parts.append(helm_part(folder, part_name))
        except ValueError as error:
            parts.append(None)
            yield Trouble(str(folder / part_name), f"left out: {reason_of(error)}", name, failed=True)
    instances, states = parts
    by_item = helm_states(rows_of(part(states).get("request_states")))
    asked = [row for row in rows_of(instances) if row.get("perturbation") is None and helm_values(row, split)]
    moment = moment_of(
        first(*(part(state, "result").get("request_datetime") for rows in list(by_item.values())[:1] for state in rows))
    )
    graders = {"grader_settings": document.get("annotators")} if document.get("annotators") else {}
    scores = [replace(score, scorer=graders) for score in helm_scores(stats, split, adapter)]
    for reason in helm_left_out(stats, split):
        yield Trouble(str(origin.path), reason, name)
    title, titles = helm_title(name), [score.name for score in scores]
    trials, one_token = len({row.get("train_trial_index") for row in asked}), helm_one_token(adapter)
    yield TaskRun(
        origin=origin,
        task=name,
        title=title,
        shots=whole(adapter.get("max_train_instances")),
        model=here.model(model_name, moment, details={"model_deployment": named(adapter.get("model_deployment"))}),
        version=here.version or "unknown",
        library={
            "groups": ", ".join(all_texts(document.get("groups"))) or None,
            "perturbations": as_detail(part(document, "data_augmenter_spec").get("perturbation_specs")),
        },
        source=helm_source(document, title, split),
        generation_args={
            "temperature": finite(adapter.get("temperature")),
            "max_tokens": whole(adapter.get("max_tokens")),
        },
        settings=helm_settings(adapter, len({row.get("instance_id") for row in rows_of(instances)})),
        moment=moment,
        scores=tuple(scores),
        samples=(lambda _: helm_items(asked, by_item, titles, split, trials, one_token)) if asked else None,
        sample_file=folder / "per_instance_stats.json" if asked else None,
        beside=tuple(own for name in HELM_PARTS if (own := folder / name).is_file()),
        failure=None if scores else "stats.json has no score of the split",
    )


def helm_left_out(stats: Sequence[Mapping[str, Any]], split: str | None) -> Iterator[str]:
    """What of a run's scores is not read, and why."""
    for other in sorted({str(part(stat, "name").get("split")) for stat in stats} - {str(split)}):
        yield f"split {other}: HELM reports {split}"
    if any(part(stat, "name").get("perturbation") for stat in stats):
        yield "scores on changed items (robustness, fairness) and their worst cases"


def helm_source(document: Mapping[str, Any], title: str, split: str | None) -> dict[str, Any]:
    """Where the items of a run come from."""
    scenario = part(document, "scenario_spec")
    details = {
        "split": split,
        "scenario": named(scenario.get("class_name")),
        "arguments": as_detail(part(scenario, "args")),
    }
    return {"dataset_name": title, "source_type": "other", "additional_details": strings(details)}


def helm_settings(adapter: Mapping[str, Any], count: int) -> dict[str, Any]:
    """All that is set for a run; it was limited when its `count` items are as many as it might have asked."""
    most, stops = whole(adapter.get("max_eval_instances")), adapter.get("stop_sequences")
    return merged_settings(
        {
            "train_trials": whole(adapter.get("num_train_trials")),
            "stop": json.dumps(stops, ensure_ascii=False) if stops else None,
            "limit": most if most and count >= most else None,
        },
        {name: value for name, value in adapter.items() if name not in HELM_NAMED and value not in ("", [])},
    )


def helm_one_token(adapter: Mapping[str, Any]) -> bool:
    """Whether an answer is one token, which no limit cuts off."""
    chosen = re.fullmatch(r"multiple_choice(?!.*thought).*", str(adapter.get("method")))
    return whole(adapter.get("max_tokens")) == 1 or bool(chosen)


def helm_part(folder: Path, name: str) -> Any:
    """A file of a run folder; None when it is not there."""
    path = folder / name
    return json_value(read_bounded(path)) if path.is_file() else None


def helm_states(states: Iterable[dict[str, Any]]) -> dict[tuple[Any, Any], list[dict[str, Any]]]:
    """The requests of each item, by its id and the trial; those of changed items left out."""
    found: dict[tuple[Any, Any], list[dict[str, Any]]] = {}
    for state in states:
        instance = part(state, "instance")
        if instance.get("perturbation") is None and state.get("request_mode") != "calibration":
            found.setdefault((str(instance.get("id")), state.get("train_trial_index")), []).append(state)
    return found


def helm_items(
    asked: Sequence[dict[str, Any]],
    states: Mapping[tuple[Any, Any], Sequence[dict[str, Any]]],
    scores: Sequence[str],
    split: str | None,
    trials: int,
    one_token: bool,
) -> Iterator[AskedItem]:
    """The items of a run; an answer that is one letter is not cut off by a limit of one token."""
    for row in asked:
        key = str(row.get("instance_id")), row.get("train_trial_index")
        item = helm_item(row, states.get(key, ()), scores, split)
        if trials < 2:
            item.attempt = None
        if one_token:
            item.truncated = False
        yield item


# --- parts/formats/inspect.py -----------------------------------------------------------------------------------------

INSPECT_ENGINES = {"hf": "transformers", "vllm": "vllm", "sglang": "sglang", "ollama": "ollama"}
INSPECT_TOKENS = ("input_tokens", "output_tokens", "total_tokens", "reasoning_tokens")
INSPECT_RUN_IDS = {"run_id": "eval_id", "task_id": "task_id", "created": "created"}  # a record's name: the log's


SHOTS_ARGUMENTS = ("fewshot", "few_shot", "num_fewshot", "n_shots", "num_shots")


SELECTING = re.compile(
    r"(?:sub(?:ject|set|task)|categor(?:y|ie)|language|level|domain|topic|dataset_name)s?(?:_names?)?"
)


def inspect_title(spec: Mapping[str, Any]) -> str:
    """The task's name, with the part of its items that its arguments select: "mmlu_0_shot:subjects=anatomy"."""
    given = spec.get("task_args_passed")
    given = given if isinstance(given, dict) else part(spec, "task_args")
    chosen = []
    for name, value in given.items():
        texts = value if isinstance(value, list) else [value] if isinstance(value, str) else []
        texts = [
            single_line(text)[:80] for text in texts if isinstance(text, str | int) and str(text) not in ("", "all")
        ]
        chosen += [f"{name}={'+'.join(texts[:8])}"] if texts and SELECTING.fullmatch(str(name)) else []
    return single_line(spec.get("task")) + (f":{','.join(chosen)}" if chosen else "")


def log_generation(header: Mapping[str, Any]) -> dict[str, Any]:
    """The generation settings of a log: those of its last generate step, under those of the run."""
    steps = [
        part(step, "params") for step in rows_of(part(header, "plan").get("steps")) if step.get("solver") == "generate"
    ]
    given: dict[str, Any] = {}
    for source in (*steps[-1:], part(header, "eval", "model_generate_config"), part(header, "plan", "config")):
        given |= {name: value for name, value in source.items() if value is not None}
    return given


def inspect_limit(config: Mapping[str, Any]) -> int | None:
    """How many items a limited run asked; None for a run without a limit."""
    limit, chosen = config.get("limit"), config.get("sample_id")
    if isinstance(limit, list) and len(limit) == 2 and all(whole(bound) is not None for bound in limit):
        return max(int(limit[1]) - int(limit[0]), 0)
    if whole(limit) is not None:
        return int(limit)
    return None if chosen is None else len(chosen) if isinstance(chosen, list) else 1


def inspect_shots(spec: Mapping[str, Any]) -> int | None:
    """The number of examples in the prompt, where the task says it: in its arguments, its metadata or its name."""
    given = {**part(spec, "task_args"), **part(spec, "metadata")}
    for name in SHOTS_ARGUMENTS:
        if whole(given.get(name)) is not None and whole(given.get(name)) < 10_000:
            return whole(given.get(name))
    match = re.search(r"_(\d{1,2})_?shot", str(spec.get("task")))
    return int(match[1]) if match else None


def inspect_model_name(name: str, arguments: Mapping[str, Any]) -> tuple[str | None, str]:
    """(provider, model) of an inspect model: who serves a model is not its owner.

    "hf/gpt2" -> (hf, gpt2); "hf//data/run/step_1" -> (hf, /data/run/step_1); "openai/o1" -> (openai, openai/o1);
    "openai/azure/gpt-4o" -> (openai/azure, openai/gpt-4o); "together/acme/base" -> (together, acme/base)
    """
    provider, slash, rest = name.partition("/")
    if not slash:
        return None, name
    if provider in ("hf", "vllm", "sglang", "hf-inference-providers"):
        given = first(named(arguments.get("model_path")), named(arguments.get("model_name")))
        rest = given if given and rest == "local" else rest
        return provider, rest.split(":", 1)[0] if provider == "hf-inference-providers" else rest
    service, slash, model = rest.partition("/")
    if not slash or not model or rest[0] in "/.~\\":
        return provider, name
    if service in INSPECT_CLOUDS:
        return f"{provider}/{service}", f"{provider}/{model.rsplit('/', 1)[-1]}"
    if provider == "openai-api":
        return f"{provider}/{service}", model if "/" in model else rest
    owner, _, model = rest.rpartition("/")
    owner = owner.rsplit("/", 1)[-1]
    return provider, f"{provider if owner == 'models' else owner}/{model}"


def inspect_adapter(provider: str | None, name: str) -> tuple[str, str | None, str | None]:
    """(model, base, revision): "acme/base:acme/base-lora@v2" under vLLM is an adapter on a base."""
    base, colon, adapter = name.partition(":")
    if provider != "vllm" or not colon or not adapter or re.match(r"[A-Za-z]$", base):
        return name, None, None
    found, _, revision = adapter.partition("@")
    return found, base, revision or None


INSPECT_CLOUDS = {"azure", "bedrock", "vertex"}  # that serve a lab's own models: anthropic/bedrock/...
INSPECT_BOOKKEEPING = {"epochs", "epochs_reducer", "limit", "sample_id", "score_display", "sandbox_cleanup", "log_dir"}


INSPECT_BOOKKEEPING |= {
    "sandbox_prebuilt",
    "log_samples",
    "log_realtime",
    "log_images",
    "continue_on_fail",
    "log_buffer",
    "log_shared",
}


INSPECT_BOOKKEEPING |= {"log_model_api", "log_refusals", "log_level", "acp_server", "eval_checkpoints_dir"}


INSPECT_NAMED = {
    "temperature",
    "max_tokens",
    "top_p",
    "top_k",
    "system_message",
    "max_connections",
    "seed",
    "tool_calls",
}


def inspect_settings(header: Mapping[str, Any], generation: Mapping[str, Any], provider: str | None) -> dict[str, Any]:
    """All that is set for a run: of the evaluation, the model, the generation, the solver, the task."""
    spec = part(header, "eval")
    arguments, config = part(spec, "model_args"), part(spec, "config")
    steps = rows_of(part(header, "plan").get("steps"))
    solver_args = [without_nothing(part(step, "params")) for step in steps]
    own = {
        "seed": first(generation.get("seed"), arguments.get("seed")),
        "dtype": first(arguments.get("dtype"), arguments.get("torch_dtype")),
        "backend": provider,
        "batch_size": generation.get("max_connections"),
        "system_prompt": generation.get("system_message"),
        "repeats": config.get("epochs"),
        "epochs_reducer": reducers_said(config),
        "solver": ", ".join(str(step.get("solver")) for step in steps) or None,
        "solver_args": solver_args if any(solver_args) else None,
        "task_args": part(spec, "task_args") or None,
        "sandbox": part(spec, "sandbox").get("type"),
        "sandbox_config": part(spec, "sandbox").get("config"),
        "limit": inspect_limit(config),
        "sample_range": config.get("limit") if isinstance(config.get("limit"), list) else None,
        "sample_id": config.get("sample_id"),
    }
    given = {name: value for name, value in arguments.items() if name not in INSPECT_MODEL_NAMES}
    return merged_settings(
        own,
        {name: value for name, value in generation.items() if name not in INSPECT_NAMED},
        {name: value for name, value in config.items() if name not in INSPECT_BOOKKEEPING},
        given,
    )


INSPECT_MODEL_NAMES = {"model_path", "model_name", "revision", "lora_modules", "subfolder", "torch_dtype", "seed"}


def read_inspect_json(
    origin: Origin, document: dict[str, Any], here: Here, files: Files
) -> Iterator[TaskRun | Trouble]:
    """The task of an inspect log in one JSON document."""
    runs: dict[str, list[dict[str, Any]]] = {}
    for sample in rows_of(document.get("samples")):
        runs.setdefault(f"{type(sample.get('id')).__name__} {sample.get('id')}", []).append(sample)
    for rows in runs.values():
        rows.sort(key=lambda row: whole(row.get("epoch")) or 0)
    yield from inspect_log(origin, document, document.get("reductions"), lambda: iter(runs.values()), bool(runs), here)


def read_inspect_archive(origin: Origin, here: Here, files: Files) -> Iterator[TaskRun | Trouble]:
    """The task of an .eval log; its samples are read one by one."""
    with LogArchive(origin.path) as archive:
        if "header.json" not in archive.names:
            start = archive.read("_journal/start.json") if "_journal/start.json" in archive.names else None
            if not isinstance(start, dict):
                raise ValueError("a zip archive, but no inspect log: neither header.json nor _journal/start.json in it")
            header = {"status": "started", "error": {"message": "the log has no end: the run was stopped"}, **start}
        else:
            header = archive.read("header.json")
        reductions = archive.read("reductions.json") if "reductions.json" in archive.names else None
        names = archive.samples()
    if not isinstance(header, dict) or not part(header, "eval"):
        raise ValueError("its header is none of an inspect log")

    def samples() -> Iterator[list[dict[str, Any]]]:
        with LogArchive(origin.path) as archive:
            for group in names.values():
                yield [row for row in map(archive.read, group) if isinstance(row, dict)]

    yield from inspect_log(origin, header, reductions, samples, bool(names), here)


def inspect_log(
    origin: Origin,
    header: dict[str, Any],
    reductions: Any,
    samples: Callable[[], Iterator[list[dict[str, Any]]]],
    has_samples: bool,
    here: Here,
) -> Iterator[TaskRun | Trouble]:
    """The task of an inspect log: its scores, or why there are none."""
    spec, results = part(header, "eval"), part(header, "results")
    task, arguments, config = named(spec.get("task")), part(spec, "model_args"), part(spec, "config")
    if task is None or named(spec.get("model")) is None:
        raise ValueError("an inspect log without a task or a model")
    moment = moment_of(first(spec.get("created"), part(header, "stats").get("started_at")))
    provider, name = inspect_model_name(named(spec["model"]), arguments)
    model = inspect_model(provider, name, arguments, moment, here)
    scores = inspect_scores(header, reductions)
    generation = log_generation(header)
    source, split = inspect_source_of(part(spec, "dataset"), task, moment, here)
    system = named(generation.get("system_message")) and generation["system_message"]
    asked_of = InspectAsked(system, str(spec["model"]), whole(config.get("epochs")) or 1)
    total = whole(part(spec, "dataset").get("samples"))
    run = TaskRun(
        origin=origin,
        task=task,
        title=inspect_title(spec),
        shots=inspect_shots(spec),
        model=model,
        version=here.version or bare_version(part(spec, "packages").get("inspect_ai")),
        library=inspect_library(header),
        source=source,
        generation_args=generation_of_log(generation),
        settings=inspect_settings(header, generation, provider),
        moment=moment,
        scores=tuple(score.score for score in scores),
        run_ids={key: named(spec.get(own)) for key, own in INSPECT_RUN_IDS.items()},
        identity=f"{spec['eval_id']} {short_hash(results.get('scores'))}" if named(spec.get("eval_id")) else None,
        counts={} if has_samples else inspect_counts(results, config),
        samples=(lambda _: inspect_items(samples, scores, asked_of, split, total, spec)) if has_samples else None,
        promised=config.get("log_samples") is not False and bool(whole(results.get("total_samples"))),
        failure=inspect_failure(header, scores),
    )
    for row in rows_of(results.get("scores")):
        for text, metric in part(row, "metrics").items():
            if inspect_group(metric):
                yield Trouble(str(origin.path), f"{single_line(text)}: a mean over a part of the items", task)
    if scores or run.failure is not None:
        yield run
    else:
        reason = "it ended well and has no score: score it with `inspect score`"
        yield Trouble(str(origin.path), reason, task, failed=True)


def inspect_model(
    provider: str | None, name: str, arguments: Mapping[str, Any], moment: Moment, here: Here
) -> EvaluatedModel:
    """The model of a log, by its provider and name there and the arguments that it was loaded with."""
    name, base, adapter_revision = inspect_adapter(provider, name)
    own, served = provider in INSPECT_ENGINES, provider not in (None, "mockllm")
    return here.model(
        name,
        moment,
        first(adapter_revision, named(arguments.get("revision"))),
        details={
            "base_model": base,
            "adapter": first(name if base else None, as_detail(arguments.get("lora_modules"))),
            "subfolder": named(arguments.get("subfolder")),
            "quantization": named(arguments.get("quantization")),
        },
        engine=INSPECT_ENGINES.get(provider or ""),
        deployment="self_deployed" if own else "externally_managed" if served else "unknown",
        platform=provider if served and not own else None,
    )


def inspect_library(header: Mapping[str, Any]) -> dict[str, Any]:
    """What ran: the versions of the task and of its package, and the tokens that the model used."""
    spec = part(header, "eval")
    usage = part(header, "stats", "model_usage", str(spec.get("model")))
    return {
        "task_version": spec.get("task_version"),
        "task_file": Path(named(spec.get("task_file")) or "").name or None,
        "inspect_evals": part(spec, "packages").get("inspect_evals"),
        "git_commit": part(spec, "revision").get("commit"),
        **{name: whole(usage.get(name)) or None for name in INSPECT_TOKENS},
    }


def generation_of_log(generation: Mapping[str, Any]) -> dict[str, Any]:
    """The generation settings that a record has fields for."""
    return {
        "temperature": finite(generation.get("temperature")),
        "max_tokens": whole(generation.get("max_tokens")),
        "top_p": finite(generation.get("top_p")),
        "top_k": finite(generation.get("top_k")),
    }


def inspect_counts(results: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, int | None]:
    """What a log without items says of its attempts."""
    total, completed = whole(results.get("total_samples")), whole(results.get("completed_samples"))
    if total is None or completed is None or total < completed:
        return {}
    rows = rows_of(results.get("scores"))
    ungraded = max((whole(row.get("unscored_samples")) or 0 for row in rows), default=0)
    scored = (total if config.get("score_on_error") is True else completed) - ungraded
    return {"attempts": total, "scored": max(scored, 0), "no_value": ungraded, "errored": total - completed}


def inspect_failure(header: Mapping[str, Any], scores: Sequence[LogScore]) -> str | None:
    """Why a log gives no score, or None."""
    status = header.get("status")
    if status != "success":
        message = single_line(part(header, "error").get("message") or "no reason given")
        return without_paths(f"inspect says {single_line(status)}: {message}")[:400]
    if header.get("invalidated") is True:
        return "the log was marked as invalid"
    rows = rows_of(part(header, "results").get("scores"))
    return "none of its metrics is a finite number" if rows and not scores else None


def inspect_source_of(
    dataset: Mapping[str, Any], task: str, moment: Moment, here: Here
) -> tuple[dict[str, Any], str | None]:
    """Where the items of a log come from, and their split when it is known."""
    location, total = named(dataset.get("location")), whole(dataset.get("samples"))
    path = Path(location) if location else None
    if path is not None and path.suffix in (".json", ".jsonl", ".csv") and path.is_file():
        folder, is_split = Path(os.path.abspath(path.parent)), path.stem in SPLIT_FILES
        digest = here.data(folder, moment) if is_split else None
        if not is_split and here.may_read(path) and ran_before(moment, [path]) is False:
            digest = file_sha256(path)
        details = {
            "split": path.stem if is_split else None,
            "path": shown_path(folder if is_split else path),
            "data_sha256": digest,
            "samples_number": total,
        }
        return {"dataset_name": task, "source_type": "other", "additional_details": strings(details)}, details["split"]
    if location and location == dataset.get("name") and re.fullmatch(r"[\w.-]+/[\w.-]+", location):
        return hub_source(location, None, total, {}), None
    stem = (
        path.stem
        if path is not None and path.suffix in (".json", ".jsonl", ".csv") and path.stem in SPLIT_FILES
        else None
    )
    details = {"split": stem, "name": named(dataset.get("name")), "samples_number": total}
    return {"dataset_name": task, "source_type": "other", "additional_details": strings(details)}, stem


# --- parts/formats/lighteval.py ---------------------------------------------------------------------------------------

DETAILS_COLUMNS = [
    *("doc", "metric", "model_response.input", "model_response.text", "model_response.text_post_processed"),
    *("model_response.reasonings", "model_response.logprobs", "model_response.output_tokens"),
]
OLD_DETAILS_COLUMNS = [
    *("example", "instruction", "full_prompt", "predictions", "gold", "gold_index", "choices", "metrics"),
]


# Columns that are Python text in the details of lighteval 0.5 to 0.7.
OLD_LITERALS = {"predictions", "gold", "gold_index", "choices", "metrics"}
MOST_LITERAL = 1 << 20  # characters of such a text
NUMPY_SCALAR = re.compile(r"(?:np|numpy)\.\w+\(([^()]*)\)")
BARE_NUMBERS = re.compile(r"\b(?:nan|inf)\b")
# Of a model's configuration: who was measured, where, and what has a name of its own in the record.
LIGHTEVAL_LEFT_OUT = {
    "model_name",
    "pretrained",
    "revision",
    "subfolder",
    "generation_parameters",
    "cache_dir",
    "base_url",
}
LIGHTEVAL_LEFT_OUT |= {"override_chat_template", "max_model_length", "max_length", "api_key", "delta_weights"}
FIRST_ALONE = "lighteval has scored the first answer alone, against the references of all"
LIGHTEVAL_SAMPLING = {"temperature", "max_new_tokens", "top_p", "top_k", "seed"}


def lighteval_name(key: str) -> tuple[str, int | None]:
    """(task, shots) of a key in a result file.

    "gsm8k|5" -> (gsm8k, 5); "leaderboard|mmlu:anatomy|5|0" -> (mmlu:anatomy, 5); "harness|drop|3" -> (drop, 3)
    """
    parts = key.split("|")
    if len(parts) == 4 and parts[3] in ("0", "1"):  # the old flag "fewer shots when the prompt is too long"
        parts.pop()
    shots = int(parts.pop()) if len(parts) > 1 and re.fullmatch(r"\d{1,4}", parts[-1]) else None
    if len(parts) > 1 and parts[0] in SUITES:
        parts = parts[1:]
    return single_line("|".join(parts)) or "unnamed", shots


def lighteval_task_config(document: Mapping[str, Any], key: str) -> dict[str, Any]:
    """A task's configuration; older files key it without the shots."""
    configs = part(document, "config_tasks")
    bare = re.sub(r"(\|\d+)+$", "", key)
    return part(configs, key) or part(configs, bare) or part(configs, f"{bare}|{key.rsplit('|', 1)[-1]}")


def lighteval_metric(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    """What a task's configuration says of a metric."""
    rows = rows_of(config.get("metrics", config.get("metric")))
    return next((row for row in rows if name in all_texts(row.get("metric_name"))), {})


def lighteval_aggregation(metric: Mapping[str, Any], name: str) -> str | None:
    """How lighteval adds items up: `mean`, the name of a corpus-level rule, or None when the file does not say."""
    rule = metric.get("corpus_level_fn")
    rule = rule.get(name) if isinstance(rule, dict) else rule
    if not isinstance(rule, str):
        return None
    kind = re.search(r"metric_type='?(\w+)", rule)
    word = re.match(r"[\w.]+", rule)
    if kind:
        return kind[1]
    text = word[0].rsplit(".", 1)[-1] if word else single_line(rule)
    return "mean" if text in ("mean", "nanmean", "fmean") else CORPUS_AGGREGATIONS.get(text, text[:80])


def lighteval_rule(metric: Mapping[str, Any], name: str) -> str:
    """What lighteval's corpus metric does, as parts/formats/corpus_items.py calls it; "" for others."""
    rule = metric.get("corpus_level_fn")
    text = str(rule.get(name) if isinstance(rule, dict) else rule)
    if found := re.fullmatch(
        r"CorpusLevelTranslationMetric\(metric_type='?(bleu|chrf(?:\+\+)?|ter)'?, lang='?(\w*)'?\)", text
    ):
        return f"{found[1]}:{found[2]}" if found[2] else found[1]
    if found := re.fullmatch(r"CorpusLevelF1Score\(average='?(\w+)'?, num_classes=(\d{1,4})\)", text):
        if found[2] == "2":
            return {"macro": "f1_all", "micro": "f1_micro", "None": "f1_max"}.get(found[1], "")
        return f"f1_each:{found[2]}" if found[1] == "micro" else ""
    return "mcc" if text.startswith("MatthewsCorrCoef") else ""


def lighteval_pair(rule: str, value: Any) -> list[Any] | None:
    """[wanted, said] of an item of a corpus metric; None for other values."""
    if not isinstance(value, dict) or not {"golds", "preds"} <= value.keys():
        return None
    golds, preds = ([own] if not isinstance(own, list) else own for own in (value["golds"], value["preds"]))
    if not golds or not preds or (rule_formula(rule) not in ("bleu", "chrf", "percent_ratio") and len(golds) > 1):
        return None
    return [golds if rule.startswith(("chrf", "ter")) else golds[0], preds[0]]


def lighteval_sums(value: Any, aggregation: str | None) -> tuple[float, float] | None:
    """(log-likelihood, length) of an item of a perplexity; None for other values."""
    if not isinstance(value, dict) or aggregation not in FROM_RATIOS:
        return None
    total, length = finite(value.get("logprobs")), finite(value.get("weights"))
    length = 1.0 if aggregation == "perplexity" else length
    return None if total is None or not length else (total, length)


def lighteval_score(name: str, shared: str, values: Mapping[str, Any], config: Mapping[str, Any]) -> ScoreRead | None:
    """A metric of a task, by its name and its id; None when its value is no finite number."""
    value = finite(values[name])
    if value is None:
        return None
    metric = lighteval_metric(config, name)
    aggregation, rule = lighteval_aggregation(metric, name), lighteval_rule(metric, name)
    higher = metric.get("higher_is_better")
    higher = higher.get(name) if isinstance(higher, dict) else higher
    error, details = finite(values.get(f"{name}_stderr")), {}
    if error is not None and (error < 0 or aggregation not in ("mean", None)):
        # lighteval divides the deviation of bootstrap replicates by the root of their number.
        error, details = None, {"standard_error_left_out": repr(error)}
    return ScoreRead(
        name,
        shared,
        value,
        aggregation,
        **direction_in("lighteval", name, not higher if isinstance(higher, bool) else None),
        unit=unit_in("lighteval", name),
        scorer=lighteval_scorer(metric),
        standard_error=error,
        method="analytic" if aggregation == "mean" else None,
        count=whole(config.get("effective_num_docs")) or None,
        details=details,
        rule=rule,
        doubt=FIRST_ALONE if rule.startswith(("chrf", "ter")) else "",
    )


def lighteval_engine(config: Mapping[str, Any]) -> str | None:
    """The engine, told by what its configuration has."""
    if {"gpu_memory_utilization", "tensor_parallel_size"} & set(config):
        return "vllm"
    if "mem_fraction_static" in config:
        return "sglang"
    return (
        "transformers"
        if {"model_parallel", "continuous_batching", "multichoice_continuations_start_space"} & set(config)
        else None
    )


def lighteval_value(value: Any) -> float | None:
    """An item's raw value as a number: lists are averaged; for corpus metrics, 1 when the answer is a reference."""
    if isinstance(value, dict) and "preds" in value:
        golds = value.get("golds")
        golds = golds if isinstance(golds, list) else [golds]
        preds = value["preds"] if isinstance(value["preds"], list) else [value["preds"]]
        return float(any(pred in golds for pred in preds))
    if isinstance(value, dict):
        value = value.get("logprobs")
    if isinstance(value, list):
        numbers = [finite(item) for item in value]
        return None if not numbers or None in numbers else sum(numbers) / len(numbers)
    return finite(value)


def lighteval_prompt(doc: Mapping[str, Any], system: str | None) -> str:
    """The prompt without a chat template, put together as lighteval's PromptManager does."""
    instruction = doc.get("instruction")

    def question(query: str) -> str:
        return query[len(instruction) :].strip() if instruction and query.startswith(instruction) else query

    parts = [text for text in (system, instruction) if text is not None]
    for shot in rows_of(doc.get("fewshot_samples")):
        golds = lighteval_golds(shot)
        query = str(shot.get("query"))
        own = shot.get("instruction")
        query = query[len(own) :].strip() if own and query.startswith(own) else query
        parts.append(f"{query} {golds[0].strip() if golds else ''}")
    return "\n\n".join([*parts, question(str(doc.get("query")))])


def lighteval_golds(doc: Mapping[str, Any]) -> list[str]:
    """The references of an item."""
    choices, gold = doc.get("choices") or [], doc.get("gold_index")
    found: list[str] = []
    for index in gold if isinstance(gold, list) else [gold]:
        if isinstance(index, int) and -len(choices) <= index < len(choices):
            found += all_texts(choices[index])
    return found


def lighteval_choice(response: Mapping[str, Any], choices: Sequence[str], rule: str) -> list[str]:
    """The choice that a metric found most likely; nothing when its way of weighing is not one of these."""
    chances = [finite(chance) for chance in response.get("logprobs") or []][: len(choices)]
    if len(choices) < 2 or len(chances) != len(choices) or None in chances:
        return []
    if "LogProbCharNorm" in rule:
        skip = "ignore_first_space=True" in rule
        lengths = [len(choice) - (skip and choice.startswith(" ")) for choice in choices]
    elif "LogProbTokenNorm" in rule:
        lengths = [len(tokens or ()) for tokens in response.get("output_tokens") or []][: len(choices)]
    elif "logprob_normalization=None" in rule:
        lengths = [1] * len(choices)
    else:
        return []
    if len(lengths) != len(choices) or not all(lengths):
        return []
    weighed = [chance / length for chance, length in zip(chances, lengths, strict=True)]
    return [choices[max(range(len(weighed)), key=weighed.__getitem__)]]


def lighteval_cut(doc: Mapping[str, Any], response: Mapping[str, Any]) -> bool | None:
    """False when an answer is shorter than the token limit; at the limit the file does not tell why it ended."""
    limit, answers = whole(doc.get("generation_size")), response.get("output_tokens")
    if not limit or not isinstance(answers, list):
        return None
    return None if any(len(tokens or ()) >= limit for tokens in answers) else False


def with_corpus_parts(item: AskedItem, metric: Mapping[str, Any], read: Mapping[str, ScoreRead]) -> AskedItem:
    """The item with what it adds to the scores that are of all items together."""
    for name, score in read.items():
        value = metric.get(name)
        if (sums := lighteval_sums(value, score.aggregation)) is not None:
            item.ratios[name] = sums
        elif score.rule and (pair := lighteval_pair(score.rule, value)) is not None:
            made = corpus_statistic(score.rule, pair)
            if made is not None:
                item.statistics[name], item.values[name] = made, item_score(score.rule, made, pair)
    return item


def lighteval_item(
    row: Mapping[str, Any], name: str, scores: Mapping[str, str], prompt: Callable[[dict[str, Any]], str | None]
) -> AskedItem:
    """One row of a details file; `scores` has each metric's rule, `name` is the item's id."""
    doc, response, metric = part(row, "doc"), part(row, "model_response"), part(row, "metric")
    kinds = " ".join(all_texts(doc.get("sampling_methods")))
    answers = all_texts(response.get("text"))
    choices = [text for choice in doc.get("choices") or [] for text in all_texts(choice)[:1]]
    several = len(choices) > 1 and "LOGPROBS" in kinds
    values = {score: lighteval_value(metric.get(score)) for score in scores if score in metric}
    specific = doc.get("specific")
    found = specific.get("extracted_predictions") if isinstance(specific, dict) else None
    given = response.get("input")
    said = specific if isinstance(specific, dict) else {}
    return AskedItem(
        id=name,
        raw=str(doc.get("query")),
        references=lighteval_golds(doc),
        answers=answers,
        values=values,
        choices=choices if several else None,
        scored=all_texts(response.get("text_post_processed")) or None,
        prompt=given if isinstance(given, str) else prompt(doc),
        shown={} if answers else {score: lighteval_choice(response, choices, rule) for score, rule in scores.items()},
        chances=[finite(chance) for chance in response.get("logprobs") or []][: len(choices)] if several else None,
        found=(all_texts(found)[0], "lighteval") if all_texts(found) else None,
        reasoning=[text for text in all_texts(response.get("reasonings")) if text] or None,
        generative="GENERATIVE" in kinds,
        truncated=lighteval_cut(doc, response) if answers else False,
        unparsed=found == [] if isinstance(specific, dict) or specific is None else None,
        metadata=bounded_metadata({name: value for name, value in said.items() if lighteval_says(name, value)}),
    )


def lighteval_says(name: str, value: Any) -> bool:
    """Whether what a task says of an item is no answer of the model and no whole text."""
    return not name.startswith("extracted_") and isinstance(value, str | int | float | bool)


def from_literal(value: Any) -> Any:
    """The value that lighteval 0.5 to 0.7 wrote as Python text ("{'acc': 1}"); the text itself when it is none."""
    if not isinstance(value, str) or len(value) > MOST_LITERAL:
        return value
    text = NUMPY_SCALAR.sub(r"\1", value.strip())
    with contextlib.suppress(ValueError, SyntaxError, RecursionError, MemoryError):
        return ast.literal_eval(text)
    with contextlib.suppress(ValueError, SyntaxError, RecursionError, MemoryError):
        return ast.literal_eval(BARE_NUMBERS.sub("None", text))
    return value


def old_lighteval_chances(predictions: Any, choices: Sequence[str]) -> list[float]:
    """The log-likelihood of each choice where the answers are pairs of it and "was it greedy"; [] for texts."""
    if len(choices) < 2 or not isinstance(predictions, list) or len(predictions) != len(choices):
        return []
    pairs = [list(row.values()) if isinstance(row, dict) else row for row in predictions]
    chances = [finite(row[0]) for row in pairs if isinstance(row, list | tuple) and len(row) == 2]
    return [] if len(chances) != len(choices) or None in chances else chances


def old_lighteval_shown(
    chances: Sequence[float], choices: Sequence[str], golds: Sequence[str], values: Mapping[str, float | None]
) -> dict[str, list[str]]:
    """The choice that each metric takes: the most likely, or that per character; none where neither fits the score."""
    found = {}
    lengths = [max(len(choice), 1) for choice in choices]
    for score, value in values.items():
        weights = lengths if "norm" in score else [1] * len(choices)
        weighed = [chance / weight for chance, weight in zip(chances, weights, strict=True)]
        chosen = choices[max(range(len(weighed)), key=weighed.__getitem__)]
        if value in (0.0, 1.0) and (chosen in golds) == bool(value):
            found[score] = [chosen]
    return found


def old_lighteval_item(row: Mapping[str, Any], name: str, scores: Mapping[str, str]) -> AskedItem:
    """One row of a details file of lighteval before 0.10, which has a column for everything: of texts until 0.7."""
    read = {key: from_literal(value) if key in OLD_LITERALS else value for key, value in row.items()}
    metric = read.get("metrics")
    if isinstance(metric, str):
        raise ValueError(f"its metrics cannot be read: {single_line(metric)[:60]}")
    metric = metric if isinstance(metric, dict) else {}
    choices, golds = all_texts(read.get("choices")), all_texts(read.get("gold"))
    index, predictions = read.get("gold_index"), read.get("predictions")
    if not golds and choices:
        wanted = index if isinstance(index, list) else [index]
        golds = [choices[i] for i in wanted if isinstance(i, int) and 0 <= i < len(choices)]
    prompt = read.get("full_prompt")
    values = {score: lighteval_value(metric[score]) for score in scores if score in metric}
    chances = old_lighteval_chances(predictions, choices)
    texts = predictions if isinstance(predictions, list) else [predictions]
    return AskedItem(
        id=name,
        raw=str(first(read.get("example"), read.get("instruction"), "")),
        references=golds,
        answers=[] if chances else all_texts(texts),
        values=values,
        choices=choices if len(choices) > 1 else None,
        prompt=prompt if isinstance(prompt, str) else None,
        shown=old_lighteval_shown(chances, choices, golds, values) if chances else {},
    )


def content_id(raw: str, references: Sequence[str]) -> str:
    """A name for an item whose row in the data set is not known: the same in every run with the same content."""
    return f"item/{hashlib.sha256((raw + ''.join(references)).encode(errors='replace')).hexdigest()[:16]}"


def read_lighteval(origin: Origin, document: dict[str, Any], here: Here, files: Files) -> Iterator[TaskRun | Trouble]:
    """The tasks of a lighteval results file."""
    general = part(document, "config_general")
    config = lighteval_model_config(general)
    name = first(*(named(row.get(key)) for row in (general, config) for key in ("model_name", "pretrained")))
    moment = moment_in_name(origin.path.name)
    revision = first(named(general.get("model_sha")), named(config.get("revision")))
    engine = lighteval_engine(config)
    deployment = "self_deployed" if engine else "unknown"
    model = here.model(name, moment, revision, engine=engine, deployment=deployment)
    for key, values in part(document, "results").items():
        title, shots = lighteval_name(key)
        if title in ("all", "average") or "_average" in title:
            yield Trouble(str(origin.path), "an average over tasks: recomputed, never imported", key)
        elif isinstance(values, dict):
            yield from lighteval_task(origin, document, key, (title, shots), model, moment, here, files)
        else:
            yield Trouble(str(origin.path), "no scores under its name", key)


def lighteval_task(
    origin: Origin,
    document: dict[str, Any],
    key: str,
    names: tuple[str, int | None],
    model: EvaluatedModel,
    moment: Moment,
    here: Here,
    files: Files,
) -> Iterator[TaskRun | Trouble]:
    """One task of a lighteval results file."""
    general, values = part(document, "config_general"), part(document, "results", key)
    task = lighteval_task_config(document, key)
    metrics = [metric for metric in values if not metric.endswith("_stderr")]
    read = {metric: lighteval_score(metric, shared, values, task) for metric, shared in metric_ids(metrics).items()}
    for metric in (metric for metric, score in read.items() if score is None):
        reason = f"{metric} is {as_detail(values[metric])!r}: no finite number"
        yield Trouble(str(origin.path), reason, key, failed=True)
    scores = {score.name: score for score in read.values() if score is not None}
    rules = {name: str(lighteval_metric(task, name).get("sample_level_fn")) for name in scores}
    settings, prompt = lighteval_task_settings(general, task, names[1], model)
    source, folder = lighteval_source(task, names[0], moment, here)
    splits = all_texts(task.get("evaluation_splits"))
    details, away = files.details(origin.path, key)
    if away:
        here.warn(f"{origin.path}: {away} lies elsewhere and may be another run's: name that file, too, for its items")
    sha = general.get("lighteval_sha")
    yield TaskRun(
        origin=origin,
        task=key,
        title=names[0],
        shots=names[1],
        model=model,
        version=here.version or bare_version(general.get("lighteval_version")),
        library={
            "task_version": first(task.get("version"), part(document, "versions").get(key)),
            "lighteval_sha": sha if sha not in ("?", "", None) else None,
        },
        source=source,
        generation_args=lighteval_arguments(general, task) if lighteval_generative(task) else {},
        settings=settings,
        moment=moment,
        scores=tuple(scores.values()),
        samples=(lambda own: lighteval_items(details, rules, prompt, folder, splits, scores, own)) if details else None,
        sample_file=details,
        failure=None if scores else "none of its metrics is a finite number",
    )


def lighteval_model_config(general: Mapping[str, Any]) -> dict[str, Any]:
    """How the model was loaded."""
    return part(general, "model_config") or part(general, "config", "model_config")


def lighteval_sampling(general: Mapping[str, Any]) -> dict[str, Any]:
    """How answers were generated."""
    asked = part(general, "generation_parameters")
    return {**asked, **part(lighteval_model_config(general), "generation_parameters")}


def lighteval_generative(task: Mapping[str, Any]) -> bool:
    """Whether a task's answers are texts."""
    return any("GENERATIVE" in str(row.get("category")) for row in rows_of(task.get("metrics")))


def lighteval_arguments(general: Mapping[str, Any], task: Mapping[str, Any]) -> dict[str, Any]:
    """The generation settings that a record has fields for."""
    sampling = lighteval_sampling(general)
    return {
        "temperature": finite(sampling.get("temperature")),
        "max_tokens": first(whole(sampling.get("max_new_tokens")), whole(task.get("generation_size"))),
        "top_p": finite(sampling.get("top_p")),
        "top_k": finite(sampling.get("top_k")),
    }


def lighteval_task_settings(
    general: Mapping[str, Any], task: Mapping[str, Any], shots: int | None, model: EvaluatedModel
) -> tuple[dict[str, Any], Callable[[Mapping[str, Any]], str] | None]:
    """All that is set for a task, and what makes the prompt of an item where no chat template did."""
    config, sampling = lighteval_model_config(general), lighteval_sampling(general)
    template = config.get("override_chat_template")
    if not isinstance(template, bool) and "override_chat_template" in config and model.folder:
        template = has_chat_template(model.folder)
    system = first(config.get("system_prompt"), general.get("system_prompt"))
    own = {
        "few_shot_split": task.get("few_shots_split") if shots else None,
        "stop": stop_text(task.get("stop_sequence")) if lighteval_generative(task) else None,
        "seed": sampling.get("seed"),
        "dtype": first(config.get("dtype"), general.get("model_dtype")),
        "backend": {"transformers": "accelerate"}.get(model.engine or "", model.engine),
        "use_chat_template": template if isinstance(template, bool) else None,
        "system_prompt": system,
        "max_model_len": first(config.get("max_model_length"), config.get("max_length")),
        "limit": general.get("max_samples"),
        "num_fewshot_seeds": general.get("num_fewshot_seeds"),
    }
    settings = merged_settings(
        own,
        {name: value for name, value in config.items() if name not in LIGHTEVAL_LEFT_OUT and value != {}},
        {name: value for name, value in sampling.items() if name not in LIGHTEVAL_SAMPLING},
    )
    given = system if isinstance(system, str) else None
    return settings, (lambda doc: lighteval_prompt(doc, given)) if template is False else None


def lighteval_source(
    task: Mapping[str, Any], title: str, moment: Moment, here: Here
) -> tuple[dict[str, Any], Path | None]:
    """Where the items come from, and their folder when it is here."""
    repo = first(named(task.get("hf_repo")), named(task.get("dataset")))
    splits = ",".join(all_texts(task.get("evaluation_splits"))) or None
    total = whole(task.get("original_num_docs")) or None
    subset = named(task.get("hf_subset"))
    if repo is None:
        return {"dataset_name": title, "source_type": "other", "additional_details": strings({"split": splits})}, None
    folder = Path(repo)
    if is_path(repo) or folder.is_dir():
        local = folder.is_dir() and here.may_read(folder)
        details = {
            "subset": None if subset == "default" else subset,
            "split": splits,
            "path": shown_path(folder) if local else foreign_id(repo),
            "data_sha256": here.data(folder, moment) if local else None,
            "samples_number": total or (rows_in(folder, splits) if local and not task.get("hf_filter") else None),
        }
        details["samples_number"] = details["samples_number"] if details["data_sha256"] else total
        return {
            "dataset_name": title,
            "source_type": "other",
            "additional_details": strings(details),
        }, folder if local else None
    details = {"subset": subset, "split": splits, "revision": named(task.get("hf_revision"))}
    return hub_source(repo, splits, total, details), None


def lighteval_items(
    path: Path,
    rules: Mapping[str, str],
    prompt: Callable[[Mapping[str, Any]], str] | None,
    folder: Path | None,
    splits: Sequence[str],
    read: Mapping[str, ScoreRead],
    own_ids: bool,
) -> Iterator[AskedItem]:
    """The items in a details file."""
    seen: dict[str, int] = {}
    if "doc" not in parquet_columns(path):
        for row in parquet_rows(path, OLD_DETAILS_COLUMNS):
            metric = from_literal(row.get("metrics"))
            item = old_lighteval_item(row, "", rules)
            item = with_corpus_parts(item, metric if isinstance(metric, dict) else {}, read)
            name = content_id(item.raw, item.references)
            seen[name] = seen.get(name, 0) + 1
            item.id = name if seen[name] == 1 else f"{name}#{seen[name]}"
            yield item
        return
    known = own_ids_of(folder, splits[0]) if own_ids and folder and len(splits) == 1 else None
    for row in parquet_rows(path, DETAILS_COLUMNS):
        item = lighteval_item(row, "", rules, prompt or (lambda _: None))
        item = with_corpus_parts(item, part(row, "metric"), read)
        index = str(part(row, "doc").get("id"))
        if not index.isdecimal() or len(splits) != 1:
            item.id = content_id(item.raw, item.references)
        elif known is None:
            item.id = f"{splits[0]}/{index}"
        else:
            name, fields = known[int(index)] if int(index) < len(known) else ("", "")
            if not any(text and text in item.raw for text in fields.split("\0")):
                raise RepeatedIds  # other data than those that were asked
            item.id = name
        yield item


# --- parts/formats/lm_eval_items.py -----------------------------------------------------------------------------------

TEMPLATE_FIELD = re.compile(r"\{\{([^{}]*)\}\}")  # of a task's prompt: "{{question}}"
QUESTION_FIELDS = {"id", "choices", "answer"}  # of a data set's row: they say nothing more of the item
BY_LENGTH = {"acc_norm", "acc_bytes"}  # metrics of the choice that is the likeliest for its length
LM_EVAL_RATIOS = {"word_perplexity", "byte_perplexity", "bits_per_byte"}
# How lm-eval adds up what has no "aggregation" in a task's configuration (lm_eval/api/metrics.py).
LM_EVAL_MEANS = {"acc", "acc_norm", "acc_bytes", "acc_mutual_info", "exact_match"}
LM_EVAL_OTHERS = {
    "mcc": "matthews_corrcoef",
    "brier_score": "brier_score",
    "perplexity": "perplexity",
    "word_perplexity": "weighted_perplexity",
}
LM_EVAL_OTHERS |= {"byte_perplexity": "weighted_perplexity", "bits_per_byte": "bits_per_byte", "f1": "f1_score"}
LM_EVAL_OTHERS |= {"bleu": "bleu", "chrf": "chrf", "ter": "ter", "likelihood": "unknown"}


def lm_eval_aggregation(config: Mapping[str, Any], metric: str) -> str | None:
    """How items are added up; None when the file does not say and the harness has no rule of its own."""
    row = lm_eval_metric_row(config, metric)
    rule = row.get("aggregation")
    if isinstance(rule, str):
        return named(function_name(rule) or rule)
    return "mean" if metric in LM_EVAL_MEANS else LM_EVAL_OTHERS.get(metric)


def unasked_length(metric: str, value: Any) -> bool:
    """Whether a value says that nothing was asked: RULER has a metric for each length, -1 for all others."""
    return metric.isdecimal() and value == -1


@dataclass(frozen=True)
class LmEvalTask:
    """What is needed to read a samples file; `scores` are (score, metric, filter).

    filtered: whether each of its rows must say which filter it is of.
    """

    scores: tuple[tuple[str, str, str | None], ...]
    config: Mapping[str, Any]
    split: str
    generative: bool
    shots: int | None
    no_template: bool
    filtered: bool = False

    @functools.cached_property
    def _scores_behind(self) -> dict[str | None, tuple[dict[str, str], bool]]:
        return {}

    def scores_behind(self, used: str | None) -> tuple[dict[str, str], bool]:
        """Score -> metric, of those that are made of what a filter left; whether one is of a length (RULER)."""
        if used not in self._scores_behind:
            rows = dict(row[:2] for row in self.scores if row[2] is None or used in (None, row[2]))
            self._scores_behind[used] = rows, any(metric.isdecimal() for metric in rows.values())
        return self._scores_behind[used]

    @functools.cached_property
    def clean(self) -> Callable[[str], str]:
        """Takes out of a text what may not leave this machine."""
        return scrubber()

    @functools.cached_property
    def template(self) -> tuple[str, list[str], list[str]]:
        """The template of a question, the texts between its fields, and these; no fields where it has more in it."""
        text = self.config.get("doc_to_text")
        if not isinstance(text, str):
            return "", [], []
        pieces = TEMPLATE_FIELD.split(text) if "{%" not in text else []
        return text, pieces[::2], [field.strip() for field in pieces[1::2]]


def lm_eval_requests(line: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """The arguments of an item's requests: a list of lists, or since 0.4.3 dictionaries with numbered keys."""
    given = line.get("arguments")
    if isinstance(given, dict):
        rows = [row for key in by_number(tuple(given)) if isinstance(row := given[key], dict)]
        taken = values_by_number(tuple(rows[0])) if rows else tuple
        names = rows[0].keys() if rows else ()
        return [taken(row) if row.keys() == names else values_by_number(tuple(row))(row) for row in rows]
    return [tuple(row) for row in given if isinstance(row, list)] if isinstance(given, list) else []


@functools.lru_cache(maxsize=64)
def by_number(names: tuple[str, ...]) -> list[str]:
    """Names that differ in the number at their end in its order: arg_9 before arg_10."""
    return sorted(names, key=lambda name: (len(name), name))


@functools.lru_cache(maxsize=64)
def values_by_number(names: tuple[str, ...]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    """Takes the values out of a dictionary with these keys, in the order of `by_number`."""
    if len(names) < 2:
        return lambda row: tuple(row.values())
    return operator.itemgetter(*by_number(names))


def lm_eval_chances(line: Mapping[str, Any]) -> list[float | None]:
    """The log-likelihood of each choice; files have numbers or texts."""
    replies = line.get("filtered_resps")
    if not isinstance(replies, list):
        return []
    try:  # nearly always; what is odd is looked at one by one
        chances = [float(reply[0]) for reply in replies if type(reply) is list]
        if len(chances) == len(replies) and math.isfinite(sum(chances)):
            return chances
    except (ValueError, TypeError, IndexError, OverflowError):
        pass
    return [chance_of_reply(reply) for reply in replies]


def chance_of_reply(reply: Any) -> float | None:
    """The log-likelihood in [log-likelihood, is greedy]."""
    value = reply[0] if isinstance(reply, list) and reply else None
    try:
        return finite(float(value))
    except (ValueError, TypeError):
        return None


def lm_eval_answers(
    chances: Sequence[float | None], choices: Sequence[str], scores: Mapping[str, str], delimiter: str
) -> dict[str, list[str]]:
    """The choice that each metric of a multiple-choice item takes: the most likely, for acc_norm per character."""
    if len(choices) < 2 or len(chances) < len(choices) or None in chances:
        return {}
    return {score: [likeliest_choice(chances, choices, metric, delimiter)] for score, metric in scores.items()}


def likeliest_choice(chances: Sequence[float], choices: Sequence[str], metric: str, delimiter: str) -> str:
    """The choice that a metric takes."""
    if metric in BY_LENGTH:
        texts = [choice.removeprefix(delimiter) for choice in choices]
        sizes = [len(text if metric == "acc_norm" else text.encode(errors="replace")) for text in texts]
        chances = [chance / max(size, 1) for chance, size in zip(chances, sizes, strict=True)]
    return choices[chances.index(max(chances))]


def lm_eval_question(doc: Mapping[str, Any], task: LmEvalTask, prompt: str | None) -> str:
    """The item as the task asks it, without shots.

    From a template of plain fields ("Q: {{question}}\\nA:"); else what the prompt has behind its shots, when their
    number shows where they end; else the data set's row, so that runs with other shots have the same text.
    """
    template, between, fields = task.template
    if isinstance(doc.get(template), str):
        return doc[template]
    if fields:
        values = [doc.get(field) for field in fields]
        if not [value for value in values if not isinstance(value, (str, int))]:
            return "".join([between[0], *[f"{value}{text}" for value, text in zip(values, between[1:], strict=True)]])
    description = str(task.config.get("description") or "")
    if prompt is not None and task.no_template and task.shots is not None and "{{" not in description:
        pieces = prompt.removeprefix(description).split(str(task.config.get("fewshot_delimiter", "\n\n")) or "\0")
        if len(pieces) == task.shots + 1:
            return pieces[-1]
    return json.dumps(doc, ensure_ascii=False, sort_keys=True)


def lm_eval_item(line: Mapping[str, Any], task: LmEvalTask, own_ids: bool) -> AskedItem:
    """One line of a samples file: one item with the answer that one filter left."""
    doc, requests = part(line, "doc"), lm_eval_requests(line)
    if not requests and "input" in line:  # lmms-eval keeps neither the row nor its requests
        requests = [tuple(all_texts(line["input"])[:1])]
    prompts = [request[0] for request in requests if request and isinstance(request[0], str)]
    same = prompts.count(prompts[0] if prompts else "") == len(prompts)  # hashes of long texts take longer
    prompts = prompts[:1] if same else list(dict.fromkeys(prompts))
    endings = [request[1] for request in requests if len(request) > 1 and isinstance(request[1], str)]
    several = len(prompts) > 1 and len(set(endings)) == 1
    choices = prompts if several else endings
    used = line.get("filter")
    if task.filtered and not isinstance(used, str):
        raise ValueError(f"the row of doc_id {single_line(line.get('doc_id'))[:40]} names no filter, and others do")
    scores, lengths = task.scores_behind(used if used is None or isinstance(used, str) else "")
    if lengths:
        scores = {score: metric for score, metric in scores.items() if not unasked_length(metric, line.get(metric))}
    values = {name: finite(own) for name, key in scores.items() if isinstance(own := line.get(key), (int, float))}
    sums = {score: (values[score], 1.0) for score in scores if scores[score] == "perplexity" and values.get(score)}
    statistics, divided, own = {}, {}, {}  # of metrics whose items have no single number
    for score, metric in scores.items() if len(values) < len(scores) else ():
        if score in values:
            continue
        rule, given = lm_eval_aggregation(task.config, metric), line.get(metric)
        if (ratio := lm_eval_ratio(given, metric)) is not None:
            divided[score], sums[score] = ratio[0], ratio[1:]
        if (statistic := corpus_statistic(rule, given)) is not None:
            own[score], statistics[score] = item_score(rule, statistic, given), statistic
    answers, read = lm_eval_replies(line) if task.generative else ([], [])
    raw = lm_eval_question(doc, task, prompts[0] if prompts and not several else None)
    chances = lm_eval_chances(line)[: len(choices)] if len(choices) > 1 else []
    shown = lm_eval_answers(chances, choices, scores, str(task.config.get("target_delimiter", " ")))
    return AskedItem(
        id=lm_eval_id(line, doc, task, own_ids),
        raw=raw,
        references=lm_eval_references(line.get("target"), choices if endings and not task.generative else ()),
        answers=answers,
        values=values | divided | own if divided or own else values,
        statistics=statistics,
        choices=choices if len(choices) > 1 else None,
        prompt="\n".join(prompts) if prompts else None,
        shown=shown,
        chances=chances if shown and not task.config.get("process_results") else None,
        found=(read[0], f"lm-eval {single_line(used)}") if read and used not in (None, "none") else None,
        generative=task.generative,
        unparsed=UNPARSED in read,
        ratios=sums,
        metadata=lm_eval_metadata(doc, raw, task),
    )


def lm_eval_id(line: Mapping[str, Any], doc: Mapping[str, Any], task: LmEvalTask, own_ids: bool) -> str:
    """The name of an item: the data set's own where it has one and these tell items apart, else its number."""
    return str(doc["id"]) if own_ids and doc.get("id") not in (None, "") else f"{task.split}/{line['doc_id']}"


def lm_eval_metadata(doc: Mapping[str, Any], raw: str, task: LmEvalTask) -> dict[str, str]:
    """What the data set's row says of the item beside the question."""
    told = {
        name: value
        for name, value in doc.items()
        if name not in QUESTION_FIELDS and isinstance(value, (str, int, float)) and value != raw
    }
    return bounded_metadata(told, task.clean) if told else {}


def lm_eval_replies(line: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """The answer to an item, and what a filter left of it."""
    kept = line.get("filtered_resps")
    replies = first(line.get("resps"), kept)
    read = all_texts(kept[0])[:1] if isinstance(kept, list) and kept else []
    return all_texts(replies[:1] if isinstance(replies, list) else [replies]), read


def lm_eval_ratio(value: Any, metric: str) -> tuple[float, float, float] | None:
    """(item's own value, log-likelihood, length) of a perplexity: (exp(-l / n), l, n); None for other metrics."""
    if metric not in LM_EVAL_RATIOS or not isinstance(value, list | tuple) or len(value) != 2:
        return None
    total, length = finite(value[0]), finite(value[1])
    if total is None or not length:
        return None
    bits = -total / length
    with contextlib.suppress(OverflowError):
        return (bits / math.log(2) if metric == "bits_per_byte" else math.exp(bits)), total, length
    return None


def lm_eval_references(target: Any, choices: Sequence[str]) -> list[str]:
    """The references of an item: the right choices where the target is their numbers.

    lm-eval writes the number that a template gave as text ("3"): it is a number unless a choice reads so.
    """
    if type(target) is int and 0 <= target < len(choices):
        return [choices[target]]
    if type(target) is str and not choices:
        return [target]
    targets = target if isinstance(target, list) else [target]
    texts = {choice.strip() for choice in choices}
    numbers = [value if (count := count_in(value)) is None else count for value in targets]
    places = [whole(value) for value, said in zip(numbers, targets, strict=True) if said not in texts]
    found = [choices[place] for place in places if place is not None and place < len(choices)]
    return found or [str(value) for value in targets]


# --- parts/formats/lm_eval_columns.py ---------------------------------------------------------------------------------


class RequestForm(NamedTuple):
    """The texts around the prompts and the choices in a line's requests; `following` by the request's number."""

    first: bytes
    between: bytes
    end: bytes
    following: Sequence[bytes]
    last: bytes


MOST_CHOICES, MOST_TRIES = 100, 3  # tries: of a piece of a file, once lines of it are not plain
FORMS = (
    RequestForm(
        b'"arguments": {"gen_args_0": {"arg_0": ',
        b', "arg_1": "',
        b'"}',
        [b', "gen_args_%d": {"arg_0": ' % number for number in range(1, MOST_CHOICES)],
        b"}",
    ),
    RequestForm(b'"arguments": [[', b', "', b'"]', [b", ["] * MOST_CHOICES, b"]"),  # before 0.4.3
)
ODD_METRICS = {"perplexity", *LM_EVAL_RATIOS}  # of which more is kept than a number
NOT_PLAIN = (AttributeError, KeyError, IndexError, OverflowError, TypeError, ValueError)


def lm_eval_items(path: Path, task: LmEvalTask, own_ids: bool, *span: float) -> Iterator[AskedItem | PlainItems]:
    """The items of a samples file, or of a piece of it."""
    if is_json_list(path):
        yield from (lm_eval_item(row, task, own_ids) for row in json_lines(path, *span))
        return
    tries = MOST_TRIES
    for place, content in line_blocks(path, *span):
        items = plain_items(content, task, own_ids) if tries else None
        if items is None:
            tries = max(0, tries - 1)
            yield from (lm_eval_item(row, task, own_ids) for row in parsed_lines(path, place, content))
        else:
            yield items


def plain_items(content: bytes, task: LmEvalTask, own_ids: bool) -> PlainItems | None:
    """The items of some lines as columns; None where one of them is not plain."""
    try:
        asked = written_answers(content) if task.generative else asked_choices(content)
        return None if asked is None else columns_of(asked, task, own_ids)
    except NOT_PLAIN:
        return None


class Asked(NamedTuple):
    """Lines, and what was asked in each: `choices` where these were, `answers` and what was read of them else."""

    rows: list[dict[str, Any]]
    prompts: list[str]
    choices: list[list[str]] | None = None
    chances: list[list[float]] | None = None
    answers: list[list[str]] | None = None
    read: list[str] | None = None


def written_answers(content: bytes) -> Asked | None:
    """Lines with one request and one answer each; one of NOT_PLAIN, or None, where one is not plain."""
    rows = json_values(content) or ()
    asked = [row["arguments"] for row in rows]
    numbered = {*map(type, asked)} == {dict}
    requests = [given["gen_args_0"] if numbered else given[0] for given in asked]
    first, second = ("arg_0", "arg_1") if numbered else (0, 1)
    prompts, settings = [request[first] for request in requests], [request[second] for request in requests]
    replies, kept = [row["resps"] for row in rows], [row["filtered_resps"] for row in rows]
    answers, read = [given[0] for given in replies], [given[0] for given in kept]
    single = [*asked, *replies, *kept, *answers]
    types = [{*map(type, texts)} for texts in (prompts, read, [own[0] for own in answers])]
    kinds = {*map(type, settings)} == {dict} and {*map(type, requests)} == {dict if numbered else list}
    lists = {*map(type, asked)} <= {dict, list} and {*map(type, [*replies, *kept, *answers])} == {list}
    if not (kinds and lists) or {*map(len, single)} != {1} or {*map(len, requests)} != {2} or types != [{str}] * 3:
        return None
    return Asked(rows, prompts, answers=answers, read=read)


def asked_choices(content: bytes) -> Asked | None:
    """Lines with one prompt for all choices; one of NOT_PLAIN, or None, where one is not plain."""
    import orjson

    lines = io.BytesIO(content).readlines()
    form = next((form for form in FORMS if form.first in lines[0]), None)
    if form is None or max(map(len, lines)) > allowed(MOST_OF_LINE):
        return None
    mark = secrets.token_hex(16)  # cannot stand in a line
    opening = b'"arguments":["%b","' % mark.encode()
    shorter, prompts, sizes = zip(*[without_requests(line, form, opening) for line in lines], strict=True)
    rows, prompts, sizes = json_values(b"".join(shorter)), [*map(orjson.loads, prompts)], [*sizes]
    choices = [row["arguments"] for row in rows or ()]
    if {texts.pop(0) for texts in choices} != {mark} or {*map(type, prompts)} != {str}:
        return None
    chances = [[float(reply[0]) for reply in row["filtered_resps"] if type(reply) is list] for row in rows]
    whole = sizes == [*map(len, choices)] == [*map(len, chances)] == [len(row["filtered_resps"]) for row in rows]
    if not whole or min(sizes) < 2 or not all(map(math.isfinite, map(sum, chances))):
        return None
    return Asked(rows, prompts, choices, chances)


def columns_of(asked: Asked, task: LmEvalTask, own_ids: bool) -> PlainItems | None:
    """As plain_items; one of NOT_PLAIN, too, where a line is not plain."""
    rows, prompts, choices, chances, answers, read = asked
    (used,) = {row.get("filter") for row in rows}
    scores, lengths = task.scores_behind(used if used is None or isinstance(used, str) else "")
    docs = [row["doc"] for row in rows]
    if task.filtered and not isinstance(used, str):
        return None
    if lengths or not scores or not ODD_METRICS.isdisjoint(scores.values()) or {*map(type, docs)} != {dict}:
        return None
    values = {score: numbers([row[metric] for row in rows]) for score, metric in scores.items()}
    raws = questions(docs, prompts, task)
    return PlainItems(
        ids=[lm_eval_id(row, doc, task, own_ids) for row, doc in zip(rows, docs, strict=True)],
        raws=raws,
        references=[
            lm_eval_references(row.get("target"), texts)
            for row, texts in zip(rows, choices or itertools.repeat(()), strict=False)
        ],
        choices=choices,
        prompts=prompts,
        values=values,
        shown={} if choices is None else taken_choices(choices, chances, scores, task),
        chances=None if task.config.get("process_results") else chances,
        metadata=told_beside(docs, raws, task),
        answers=answers,
        read=read,
        method=f"lm-eval {single_line(used)}" if used not in (None, "none") else "",
    )


def told_beside(docs: Sequence[dict[str, Any]], raws: Sequence[str], task: LmEvalTask) -> list[dict[str, str]]:
    """What the data set's rows say beside the questions: `lm_eval_metadata` of each, looked at together where all have
    the same fields, whose values are short texts without anything to take out."""
    same = {*map(tuple, docs)} == {tuple(docs[0])}
    names = [name for name in docs[0] if name not in QUESTION_FIELDS] if same else []
    columns = {name: column for name in names if (column := [doc[name] for doc in docs]) != raws}
    texts = list(itertools.chain(*columns.values()))
    if same and not texts:
        return [{}] * len(docs)
    if {*map(type, texts)} == {str} and not any(any(map(operator.eq, column, raws)) for column in columns.values()):
        one = bounded_metadata({name: column[0] for name, column in columns.items()}, task.clean)
        joined, sizes = "\n".join(texts), list(map(len, texts))
        if [*one] == [*columns] and min(sizes) and max(sizes) <= LONGEST_METADATA and task.clean(joined) == joined:
            return list(map(dict, map(zip, itertools.repeat([*columns]), zip(*columns.values(), strict=True))))
    return [lm_eval_metadata(doc, raw, task) for doc, raw in zip(docs, raws, strict=True)]


def taken_choices(
    choices: Sequence[Sequence[str]], chances: Sequence[Sequence[float]], scores: Mapping[str, str], task: LmEvalTask
) -> dict[str, list[list[str]]]:
    """The choices that each metric takes: see `lm_eval_answers`."""
    delimiter, replies = str(task.config.get("target_delimiter", " ")), [*zip(chances, choices, strict=True)]
    taken = {"": [[texts[own.index(max(own))]] for own, texts in replies]}
    for metric in BY_LENGTH.intersection(scores.values()):
        taken[metric] = [[likeliest_choice(own, texts, metric, delimiter)] for own, texts in replies]
    return {score: taken[metric if metric in BY_LENGTH else ""] for score, metric in scores.items()}


def without_requests(line: bytes, form: RequestForm, opening: bytes) -> tuple[bytes, bytes, int]:
    """(the line with `opening` and the choices in place of its requests, their prompt as it stands there, how many they
    are); ValueError where they are written in another way, or have several prompts.

    Whoever reads the line as JSON reads the same: around the prompt and the choices stand the texts of the form, and
    each of them is one JSON string. That the requests are the line's own and not in one of its texts shows where the
    mark is, once the rest is parsed.
    """
    begin = line.index(form.first)
    asked = begin + len(form.first)
    stop = line.index(b'"', asked + 1) + 1  # a character is found much more quickly than a text
    if not line.startswith(form.between, stop):
        stop = line.index(form.between, asked)
    at, choices = stop + len(form.between), []
    again = line[asked:at]
    for following in form.following:
        stop_of_choice = line.index(form.end, at)
        choices.append(line[at:stop_of_choice])
        at = stop_of_choice + 2
        if not line.startswith(following, at):
            break
        at += len(following)
        if not line.startswith(again, at):
            raise ValueError("several prompts")
        at += len(again)
    if not line.startswith(form.last, at):
        raise ValueError("other requests")
    joined = b'","'.join(choices)
    if joined.count(b'"') != 2 * len(choices) - 2 or b"\\" in joined:
        for choice in choices:
            json_string(choice)
    return b'%b%b%b"]%b' % (line[:begin], opening, joined, line[at + 1 :]), line[asked:stop], len(choices)


def json_string(inner: bytes) -> str:
    """The text whose JSON has this between its quotation marks; ValueError where it is none."""
    import orjson

    text = orjson.loads(b'"%b"' % inner)
    if type(text) is not str:
        raise ValueError("no text")
    return text


def numbers(column: list[Any]) -> list[float]:
    """Numbers as `finite` gives them; ValueError where it gives none."""
    if not {*map(type, column)} <= {float, int} or False in [-1e300 < value < 1e300 for value in column]:
        raise ValueError("no numbers")
    return [*map(float, column)]


def questions(docs: Sequence[dict[str, Any]], prompts: Sequence[str], task: LmEvalTask) -> list[str]:
    """The items as the task asks them: see `lm_eval_question`."""
    template, between, fields = task.template
    own = any(template in doc for doc in docs)
    if own or len(fields) == 1:  # the task's prompt is a field's value, with a word around it or none
        raws = [doc.get(template if own else fields[0]) for doc in docs]
        if {*map(type, raws)} == {str}:
            return raws if own or between == ["", ""] else [f"{between[0]}{raw}{between[1]}" for raw in raws]
    return [lm_eval_question(doc, task, prompt) for doc, prompt in zip(docs, prompts, strict=True)]


# --- parts/formats/lm_eval_filters.py ---------------------------------------------------------------------------------

MOST_FILTERS = 6  # whose orders are tried: 720


def rows_with_filters(
    path: Path, filters: Sequence[str], ordered: bool, scores: Mapping[tuple[str, str], float]
) -> Iterator[dict[str, Any]]:
    """The rows of a samples file whose task has several filters, none of which it names, each with its own's name
    under "filter".

    `filters`: all that the task has, in the order of its configuration when `ordered`; `scores`: what the results
    file says for (metric, filter) where a score is the mean of its items. ValueError when it cannot be said which
    row is which filter's.
    """
    order = order_of_filters(json_lines(path), filters, ordered, scores)
    asked: dict[Any, int] = {}
    for row in json_lines(path):
        place = asked.get(row["doc_id"], 0)
        asked[row["doc_id"]] = place + 1
        yield {**row, "filter": order[place]}


def rows_name_filters(path: Path) -> bool:
    """Whether a samples file's first row says which filter it is of; True for a file that cannot be read."""
    try:
        return "filter" in next(json_lines(path), {"filter": None})
    except (OSError, ValueError):
        return True


def order_of_filters(
    rows: Iterable[Mapping[str, Any]], filters: Sequence[str], ordered: bool, scores: Mapping[tuple[str, str], float]
) -> Sequence[str]:
    """Whose an item's first row is, whose its second, ...; ValueError when the file does not prove it."""
    metrics = sorted({metric for metric, _ in scores})
    found = {metric: [array.array("d") for _ in filters] for metric in metrics}
    asked: dict[Any, int] = {}
    for row in rows:
        place = asked.get(row["doc_id"], 0)
        asked[row["doc_id"]] = place + 1
        for metric in metrics if place < len(filters) else ():
            found[metric][place].append(math.nan if (value := finite(row.get(metric))) is None else value)
    names = ", ".join(single_line(name) for name in filters)
    if other := [doc for doc, count in asked.items() if count != len(filters)]:
        raise ValueError(
            f"its rows name no filter, and {len(other)} of {len(asked)} items have not one row for each of the task's "
            f"{len(filters)} ({names}), as doc_id {single_line(other[0])[:40]} with {asked[other[0]]} (a file cut off, "
            "or of two runs?)"
        )
    means = {metric: [column_mean(column) for column in columns] for metric, columns in found.items()}

    def fits(order: Sequence[str]) -> bool:
        pairs = (
            (means[metric][place], scores[metric, name])
            for place, name in enumerate(order)
            for metric in metrics
            if (metric, name) in scores
        )
        return all(mean is None or abs(mean - value) <= SAME_SCORE * max(1.0, abs(value)) for mean, value in pairs)

    if ordered and fits(filters):
        return filters
    fitting = (
        [order for order in itertools.permutations(filters) if fits(order)] if len(filters) <= MOST_FILTERS else []
    )
    if len(fitting) == 1 and scores:
        return fitting[0]
    if fitting:
        why = f"the filters {names} cannot be told apart: the results file has no list of them, and the same scores"
    else:
        metric = next((metric for metric in metrics if None not in means[metric]), None)
        said = "; ".join(
            f"{metric} of {single_line(name)} is {scores[metric, name]:.6g}"
            for name in filters
            if (metric, name) in scores
        )
        made = ", ".join(f"{mean:.6g}" for mean in means[metric]) if metric else "nothing that can be checked"
        why = f"no order of its filters makes the results file's scores ({said}; the rows make {made})"
    raise ValueError(
        f'its rows name no filter, and {why}: write "filter" into each row, or run it again with lm-eval 0.4.7 or later'
    )


def column_mean(values: Sequence[float]) -> float | None:
    """Their mean; None when there is none, or one of them is no number."""
    mean = math.fsum(values) / len(values) if values else math.nan
    return None if math.isnan(mean) else mean


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


# --- parts/formats/lm_eval.py -----------------------------------------------------------------------------------------

LM_EVAL_BOOTSTRAPPED = {"bleu", "chrf", "ter", "f1", "f1_score", "mcc", "matthews_corrcoef", "perplexity", "median"}
LM_EVAL_PROMPT = ("description", "doc_to_text", "doc_to_choice", "target_delimiter", "fewshot_delimiter", "gen_prefix")
# No scores: what the harness says of a task, how sure it is, how much was asked. "bypass" is 999 in every task.
LM_EVAL_NO_SCORES = re.compile(
    r"\s*|alias|name|error|sample_len|samples|bypass|submission|.*_stderr(?:_clt|_clustered)?|solved_avg|run_stats|paired_\w+"
)
# Of --model_args: who was measured, and where; all others are settings.
LM_EVAL_IDENTITY = {
    "pretrained",
    "model",
    "model_name",
    "model_version",
    "peft",
    "lora_local_path",
    "delta",
    "revision",
}
LM_EVAL_IDENTITY |= {"subfolder", "gguf_file", "base_url", "lora_name"}
EVALCHEMY_MARKS = {"num_total", "run_stats", "accuracy_avg", "examples"}
# What Evalchemy's own benchmarks put beside their scores: how they were asked, and which of their metrics is the usual.
EVALCHEMY_SETTINGS = {"temperature", "max_tokens", "num_shot", "batch_size", "max_gpu_memory"}
EVALCHEMY_SIZES = ("num_total", "num_examples", "total_examples", "num_questions")
EVALCHEMY_PARTS = re.compile(r"accuracy_(?!avg$).*")  # of the items that its size counts
EVALCHEMY_IDS = {"accuracy_avg": "accuracy", "overall_accuracy": "accuracy", "python_pass@1": "pass_at_1"}
LM_EVAL_SQUAD = {f"{group}{metric}" for group in ("", "HasAns_", "NoAns_", "best_") for metric in ("exact", "f1")}
SQUAD_MARK = "NoAns_f1"  # metrics of SQuAD 2's own script, percent throughout: 0.807 is not 81 %
LM_EVAL_SUBGROUPS = re.compile(r"mmlu(?:_\w+)?_(?:stem|humanities|social_sciences|other)(?:_\w+)?")
LM_EVAL_ENGINES = {"hf": "transformers", "hf-causal": "transformers", "hf-causal-experimental": "transformers"}
LM_EVAL_ENGINES |= {"hf-auto": "transformers", "hf-seq2seq": "transformers", "hf-multimodal": "transformers"}
LM_EVAL_ENGINES |= {"vllm": "vllm", "vllm-vlm": "vllm", "sglang": "sglang", "gguf": "llama.cpp", "ggml": "llama.cpp"}


def lm_eval_family(document: Mapping[str, Any]) -> str | None:
    """Which harness of lm-eval's family wrote a JSON document: all keep its shape; None for any other document."""
    results = document.get("results")
    if not isinstance(results, dict):
        return None
    if "lmms_eval_version" in document:
        return "lmms-eval"
    known = {"config", "configs", "versions", "n-shot", "group_subtasks", "lm_eval_version"}
    general = part(document, "config")
    own = any(EVALCHEMY_MARKS & set(row) for row in results.values() if isinstance(row, dict))
    if own or ("annotator_model" in general and "model_args" in general):
        return "evalchemy"
    return "lm-eval" if len(known & set(document)) >= 2 else None


def lm_eval_arguments(given: Any) -> dict[str, Any]:
    """--model_args or --gen_kwargs as a dictionary; files have them as a text ("a=1,b=x"; JSON since 0.4.9) or as one.

    A comma inside brackets or braces is part of a value: "hf_overrides={'a': 1, 'b': 2},dtype=auto" has two.
    """
    if isinstance(given, dict):
        return {str(name): value for name, value in given.items()}
    if not isinstance(given, str):
        return {}
    with contextlib.suppress(ValueError):
        value = json.loads(given)
        return lm_eval_arguments(value if isinstance(value, dict) else None)
    pairs, depth, begun = [], 0, 0
    for index, character in enumerate(f"{given},"):
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth <= 0:
            pairs.append(given[begun:index].split("=", 1))
            begun, depth = index + 1, 0
    return {pair[0].strip(): pair[1].strip() for pair in pairs if len(pair) == 2}


def lm_eval_number(value: Any) -> Any:
    """A number that a command line gave as text."""
    with contextlib.suppress(ValueError, TypeError):
        return float(value) if isinstance(value, str) else value
    return value


def lm_eval_groups(document: Mapping[str, Any]) -> set[str]:
    """The keys under "results" that are averages over other tasks."""
    groups = set(part(document, "groups"))
    groups |= {name for name, tasks in part(document, "group_subtasks").items() if isinstance(tasks, list) and tasks}
    configs, results = part(document, "configs"), part(document, "results")
    return groups | ({name for name in results if name not in configs} if configs else lm_eval_indented(results))


def lm_eval_indented(results: Mapping[str, Any]) -> set[str]:
    """The groups in a file that says nothing of them (Evalchemy keeps lm-eval's rows alone): rows with others below.

    lm-eval indents the alias of each task under its group's (" - stem", "  - anatomy"), one space for each level.
    """
    depths = {}
    for name, row in results.items():
        found = re.match(r"( +)- ", str(row.get("alias") or "")) if isinstance(row, dict) else None
        depths[name] = len(found[1]) if found else 0
    following = zip(depths, [*list(depths.values())[1:], 0], strict=True)
    words = {name: name.split("_") for name, depth in depths.items() if depth}
    begun = [("_".join(row[:size]), depths[name]) for name, row in words.items() for size in range(1, min(len(row), 9))]
    return (
        {name for name, below in following if below == depths[name] + 1}
        | {name for name, depth in begun if name in depths and depths[name] < depth}
        | {name for name in depths if LM_EVAL_SUBGROUPS.fullmatch(name)}
    )


def evalchemy_rows(document: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """Evalchemy's file with rows of scores alone, and what is left out of each: parts of the items.

    Its own benchmarks (rows without lm-eval's "metric,filter") return what they like: texts and numbers that say how
    they were asked ("evalchemy_settings"), items, and LiveBench a dictionary "metrics" of averages, one of them of all.
    """
    rows, settings, counts, left = dict(part(document, "results")), {}, {}, {}
    for task, row in rows.items():
        if not isinstance(row, dict) or any("," in key for key in row):
            continue
        inner = part(row, "metrics")
        if "global_average" in inner:
            left[task] = [f"{single_line(name)}: a part of the items" for name in inner if name != "global_average"]
            inner = {"global_average": inner["global_average"]}
        own = {"alias", "error"}
        said = {name for name, value in row.items() if name in EVALCHEMY_SETTINGS or isinstance(value, str)} - own
        settings[task] = {name: value for name, value in row.items() if name in said}
        flat = {name: value for name, value in (row | inner).items() if name not in said}
        rows[task] = {name: value for name, value in flat.items() if not isinstance(value, list | dict) or name in own}
        asked = first(*(whole(row.get(name)) for name in EVALCHEMY_SIZES))
        rows[task]["sample_len"] = asked
        share = finite(row.get("completion_rate"))
        if asked and share is not None and 0 < share < 1:
            counts[task] = {"attempts": round(asked / share), "scored": asked, "no_value": round(asked / share) - asked}
    return {**document, "results": rows, "evalchemy_settings": settings, "evalchemy_counts": counts}, left


def lm_eval_keys(values: Mapping[str, Any]) -> list[tuple[str, str, str | None]]:
    """(key, metric, filter) of the scores in a task's results; before 0.4 and in Evalchemy there are no filters.

    What is no number at all is no score: lm-eval's aliases, the files that lmms-eval submits.
    """
    parts = [(key, *key.partition(",")) for key in values]
    return [(key, name, chosen or None) for key, name, _, chosen in parts if not LM_EVAL_NO_SCORES.fullmatch(name)]


def lm_eval_score(
    document: Mapping[str, Any], task: str, key: str, metric: str, chosen: str | None, family: str
) -> ScoreRead | None:
    """A metric of a task; None when its value is no finite number."""
    values, config = part(document, "results", task), part(document, "configs", task)
    value = finite(values[key])
    if value is None:
        return None
    own = unit_in(family, metric, task)
    found_metrics = {name.partition(",")[0] for name in values}
    aggregation = lm_eval_aggregation(config, metric)
    error = finite(values.get(f"{metric}_stderr,{chosen}" if chosen else f"{metric}_stderr"))
    draws = whole(part(document, "config").get("bootstrap_iters"))
    bootstrapped = aggregation in LM_EVAL_BOOTSTRAPPED
    row = lm_eval_metric_row(config, metric)
    higher = first(part(document, "higher_is_better", task).get(metric), row.get("higher_is_better"))
    said = not higher if isinstance(higher, bool) else None
    return ScoreRead(
        f"{metric},{single_line(chosen)}" if chosen else metric,
        EVALCHEMY_IDS.get(metric)
        if family == "evalchemy" and metric in EVALCHEMY_IDS
        else lm_eval_metric_id(values, config, metric, chosen),
        value,
        aggregation,
        **direction_in(family, metric, said, task),
        unit=("percent", 0.0, 100.0) if metric in LM_EVAL_SQUAD and SQUAD_MARK in found_metrics else own,
        scorer=lm_eval_scorer(config, metric, chosen),
        standard_error=error if error is not None and error >= 0 else None,
        method="bootstrap" if bootstrapped else "analytic" if aggregation in ("mean", "acc_all") else None,
        draws=(min(draws, 100) if aggregation in ("bleu", "chrf", "ter") else draws)
        if bootstrapped and draws
        else None,
        filter=chosen and single_line(chosen),
        count=first(whole(part(document, "n-samples", task).get("effective")), whole(values.get("sample_len")))
        if not metric.isdecimal() and not (family == "evalchemy" and EVALCHEMY_PARTS.fullmatch(metric))
        else None,  # RULER's lengths share the items
    )


def lm_eval_metric_id(values: Mapping[str, Any], config: Mapping[str, Any], metric: str, chosen: str | None) -> str:
    """The shared id of a metric; of one that is there for several filters, the first of the task's list has it alone.

    The order of keys says nothing: whoever writes the file again may sort them.
    """
    match = re.fullmatch(r"pass@(\d+)", metric)
    shared = f"pass_at_{match[1]}" if match else METRIC_IDS.get(metric, metric)
    filters = [other for _, name, other in lm_eval_keys(values) if name == metric]
    listed = [single_line(each.get("name")) for each in rows_of(config.get("filter_list"))]
    leading = chosen if len(filters) == 1 else next((name for name in listed if name in filters), None)
    return shared if chosen == leading else f"{shared}_{slug(str(chosen))}"


def lm_eval_split(config: Mapping[str, Any]) -> str | None:
    """The split whose items are asked."""
    return first(*(named(config.get(name)) for name in ("test_split", "validation_split")))


def lm_eval_generation_kwargs(config: Mapping[str, Any], general: Mapping[str, Any]) -> dict[str, Any]:
    """How text is generated: the task's own settings under those of the command line."""
    given = {**part(config, "generation_kwargs"), **lm_eval_arguments(general.get("gen_kwargs"))}
    return {name: lm_eval_number(value) for name, value in given.items()}


def lm_eval_generation(config: Mapping[str, Any], general: Mapping[str, Any]) -> dict[str, Any]:
    """How text is generated, as far as the file says it."""
    given = lm_eval_generation_kwargs(config, general)
    temperature = finite(given.get("temperature"))
    if temperature is None and given.get("do_sample") is False:
        temperature = 0.0
    limits = [whole(given.get(name)) for name in ("max_gen_toks", "max_new_tokens", "max_tokens", "max_length")]
    return {
        "temperature": temperature,
        "max_tokens": first(*limits),
        "top_p": finite(given.get("top_p")),
        "top_k": finite(given.get("top_k")),
    }


def read_lm_eval(origin: Origin, document: dict[str, Any], here: Here, files: Files) -> Iterator[TaskRun | Trouble]:
    """The tasks of an lm-eval results file."""
    general = part(document, "config")
    arguments = lm_eval_arguments(general.get("model_args"))
    moment = moment_of(document.get("date")) if document.get("date") else moment_in_name(origin.path.name)
    base = first(
        *(named(arguments.get(name)) for name in ("pretrained", "model", "model_name")),
        named(document.get("model_name")),
    )
    adapter = first(*(named(arguments.get(name)) for name in ("peft", "lora_local_path", "delta")))
    name = first(adapter, base)
    engine = LM_EVAL_ENGINES.get(str(general.get("model")))
    version = named(document.get("transformers_version")) if engine == "transformers" else None
    revision = first(
        named(general.get("model_sha")), named(arguments.get("revision")), named(general.get("model_revision"))
    )
    details = {
        "base_model": as_detail(base) if adapter else None,
        "adapter": as_detail(adapter),
        "subfolder": named(arguments.get("subfolder")),
        "gguf_file": as_detail(named(arguments.get("gguf_file"))),
        "quantization": lm_eval_quantization(arguments),
    }
    deployment = "self_deployed" if engine else "unknown"
    model = here.model(
        name, moment, revision, engine=engine, engine_version=version, deployment=deployment, details=details
    )
    if model.weights_sha256 and (details["subfolder"] or details["gguf_file"]):  # the folder's own were not loaded
        bound = {name: value for name, value in model.details.items() if name != "weights_bound_by"}
        model = replace(model, weights_sha256=None, details=bound)
    left: dict[str, list[str]] = {}
    if origin.format == "evalchemy":
        document, left = evalchemy_rows(document)
    groups = lm_eval_groups(document)
    shared = lm_eval_settings(document, arguments)
    wrong = lm_eval_conflicts(document)
    general_doubt = "" if here.model_id or origin.format != "lm-eval" else lm_eval_other_model(document, arguments)
    for group, text in wrong.groups.items():
        yield Trouble(str(origin.path), text, group, failed=True)
    for task, values in part(document, "results").items():
        if task in groups:
            yield Trouble(str(origin.path), "an average over tasks: recomputed, never imported", task)
        elif isinstance(values, dict):
            for run in lm_eval_task(origin, document, task, model, moment, shared, here, files):
                if isinstance(run, TaskRun) and (text := general_doubt or lm_eval_contradiction(document, task)):
                    yield Trouble(str(origin.path), f"it contradicts itself: {text}", task, failed=True)
                    details = ({**score.details, "contradiction": text} for score in run.scores)
                    scores = zip(run.scores, details, strict=True)
                    run = replace(run, scores=tuple(replace(score, details=own) for score, own in scores))
                yield wrong.told(run) if isinstance(run, TaskRun) else run
        else:
            yield Trouble(str(origin.path), "no scores under its name", task)
        for text in left.get(task, ()):
            yield Trouble(str(origin.path), text, task)


def lm_eval_other_model(document: Mapping[str, Any], arguments: Mapping[str, Any]) -> str:
    """What a file says of its model in two places, where these are two models: lm-eval names one of its arguments."""
    name = named(document.get("model_name"))
    given = [text for key, value in arguments.items() if key in LM_EVAL_IDENTITY and (text := named(value))]
    folded = {Path(text).name.casefold() for text in given}
    if not name or not given or Path(name).name.casefold() in folded or name in map(str, arguments.values()):
        return ""
    return f"model_name is {single_line(name)}, and model_args name {single_line(given[0])}"


def lm_eval_contradiction(document: Mapping[str, Any], task: str) -> str:
    """Where two places of a file say unlike things of a task: its name, its examples, which way of a metric is better.

    n-shot is num_fewshot, or where that is 0 what the task's metadata say of the examples in its own text.
    """
    config = part(document, "configs", task)
    name, shots, configured = named(config.get("task")), part(document, "n-shot").get(task), config.get("num_fewshot")
    if name and normalize_name(name) != normalize_name(task):
        return f"configs of {single_line(task)} are those of {single_line(name)}"
    written = (whole(configured), *([whole(part(config, "metadata").get("num_fewshot"))] if not configured else []))
    if None not in (whole(shots), whole(configured)) and whole(shots) not in written:
        return f"n-shot is {shots}, and num_fewshot {configured}"
    ways = part(document, "higher_is_better", task)
    for _, metric, _ in lm_eval_keys(part(document, "results", task)):
        said = {ways.get(metric), lm_eval_metric_row(config, metric).get("higher_is_better")}
        if {True, False} <= said or (False in said and metric_direction(metric) is False):
            return f"higher_is_better of {single_line(metric)} is {' and '.join(map(str, said - {None}))}"
    return ""


@dataclass(frozen=True)
class LmEvalConflicts:
    """Groups whose own row is not what their tasks make, and the tasks and metrics that this is about."""

    groups: Mapping[str, str]
    scores: Mapping[tuple[str, str], str]

    def told(self, run: TaskRun) -> TaskRun:
        """A task with the conflict beside each of its scores that is in one: no reader uses these."""
        if not self.scores:
            return run
        scores = tuple(
            replace(score, details={**score.details, "conflict": self.scores[run.task, score.name]})
            if (run.task, score.name) in self.scores
            else score
            for score in run.scores
        )
        return replace(run, scores=scores)


def lm_eval_conflicts(document: Mapping[str, Any]) -> LmEvalConflicts:
    """What a file's group rows say, held against their tasks: their mean, plain or by the number of items."""
    found: dict[str, str] = {}
    scores: dict[tuple[str, str], str] = {}
    for group in part(document, "group_subtasks"):
        leaves = lm_eval_leaves(document, group)
        row = part(document, "groups", group) or part(document, "results", group)
        for key, metric, chosen in lm_eval_keys(row):
            value, made = finite(row[key]), lm_eval_group_means(document, group, leaves, key)
            if value is None or not made or any(math.isclose(value, mean, rel_tol=1e-6, abs_tol=1e-9) for mean in made):
                continue
            text = (
                f"the file's own row of {single_line(group)} says {value:g}, its {len(leaves)} tasks make {made[0]:g}"
            )
            found[group] = f"{single_line(key)}: {text}"
            name = f"{metric},{single_line(chosen)}" if chosen else metric
            scores |= {(leaf, name): text for leaf in leaves}
    return LmEvalConflicts(found, scores)


def lm_eval_leaves(document: Mapping[str, Any], group: str, depth: int = 8) -> list[str]:
    """The tasks of a group and of the groups in it."""
    children = part(document, "group_subtasks").get(group)
    if not isinstance(children, list) or not children or not depth:
        return [group]
    return [leaf for child in map(str, children) for leaf in lm_eval_leaves(document, child, depth - 1)]


def lm_eval_group_means(document: Mapping[str, Any], group: str, leaves: Sequence[str], key: str) -> list[float]:
    """A group's score as its tasks (or the groups in it) make it: by the number of items, each once; [] if unknown."""
    means = []
    children = [str(name) for name in part(document, "group_subtasks").get(group) or ()]
    for names in (leaves, children):
        values = [finite(part(document, "results", name).get(key)) for name in names]
        sizes = [
            [whole(part(document, "n-samples", leaf).get("effective")) for leaf in lm_eval_leaves(document, name)]
            for name in names
        ]
        counts = [None if None in own else sum(own) for own in sizes]
        if names and None not in values and None not in counts and sum(counts):
            means.append(math.fsum(v * n for v, n in zip(values, counts, strict=True)) / sum(counts))
            means.append(math.fsum(values) / len(values))
    return means


def lm_eval_quantization(arguments: Mapping[str, Any]) -> str | None:
    """How the weights were rounded, where the command says it."""
    given = named(arguments.get("quantization"))
    for name, text in (("load_in_4bit", "4bit"), ("load_in_8bit", "8bit"), ("autogptq", "gptq"), ("gptqmodel", "gptq")):
        if given is None and str(arguments.get(name)).lower() not in ("false", "none", ""):
            given = text
    return given


def lm_eval_settings(document: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What is set for all tasks of a file: all of --model_args but who was measured, seeds, the chat template."""
    general, template = part(document, "config"), document.get("chat_template", "unknown")
    named_ones = {
        **{name: general.get(name) for name in ("random_seed", "numpy_seed", "torch_seed", "fewshot_seed")},
        "dtype": (named(first(general.get("model_dtype"), arguments.get("dtype"))) or "").removeprefix("torch.")
        or None,
        "batch_size": general.get("batch_size"),
        "backend": named(general.get("model")),
        "device": general.get("device"),
        "use_chat_template": None if template == "unknown" else bool(template),
        "chat_template_sha": document.get("chat_template_sha"),
        "fewshot_as_multiturn": document.get("fewshot_as_multiturn"),
        "system_prompt": document.get("system_instruction"),
        "max_length": document.get("max_length"),
    }
    return merged_settings(named_ones, {name: arguments[name] for name in arguments if name not in LM_EVAL_IDENTITY})


def lm_eval_task(
    origin: Origin,
    document: dict[str, Any],
    task: str,
    model: EvaluatedModel,
    moment: Moment,
    shared: Mapping[str, Any],
    here: Here,
    files: Files,
) -> Iterator[TaskRun | Trouble]:
    """One task of an lm-eval results file; `shared` is set for all its tasks."""
    general, config = part(document, "config"), part(document, "configs", task)
    values, counts = part(document, "results", task), part(document, "n-samples", task)
    kept, troubles = lm_eval_scores(origin, document, task)
    yield from troubles
    if not lm_eval_keys(values) and any(key.partition(",")[0] == "bypass" for key in values):
        yield Trouble(str(origin.path), "answers without scores (--predict_only)", task)
        return
    told = part(document, "n-shot").get(task), config.get("num_fewshot"), general.get("num_fewshot")
    shots = first(*map(whole, told))
    samples = files.lm_eval_samples(origin.path, task, part(document, "results"))
    reader, in_spans = lm_eval_reader(samples, document, task, kept, shots) if samples else (None, False)
    yield TaskRun(
        origin=origin,
        task=task,
        title=single_line(task) or "unnamed",
        shots=shots,
        model=model,
        version=here.version or bare_version(first(document.get("lmms_eval_version"), document.get("lm_eval_version"))),
        library={"task_version": part(document, "versions").get(task), "git_hash": named(document.get("git_hash"))},
        source=lm_eval_source(config, task, whole(counts.get("original")), moment, here),
        generation_args=lm_eval_generation(config, general) if lm_eval_generative(config) else {},
        settings=lm_eval_task_settings(origin, document, task, shots, shared),
        moment=moment,
        counts=part(document, "evalchemy_counts", task),
        scores=tuple(score for score, _, _ in kept),
        samples=reader,
        sample_file=samples,
        in_spans=in_spans,
        promised=bool(part(document, "task_hashes").get(task)),
        failure=None if kept else named(values.get("error")) or "none of its metrics is a finite number",
    )


def lm_eval_scores(
    origin: Origin, document: dict[str, Any], task: str
) -> tuple[list[tuple[ScoreRead, str, str | None]], list[Trouble]]:
    """A task's scores with the metric and the filter of each, and why others are none."""
    values = part(document, "results", task)
    kept, troubles = [], []
    for key, metric, chosen in lm_eval_keys(values):
        if unasked_length(metric, values[key]):
            reason = f"{single_line(key)}: nothing of that length was asked, no score"
            troubles.append(Trouble(str(origin.path), reason, task))
            continue
        score = lm_eval_score(document, task, key, metric, chosen, origin.format)
        if score is None:
            reason = f"{single_line(key)} is {as_detail(values[key])!r}: no finite number"
            troubles.append(Trouble(str(origin.path), reason, task, failed=True))
        else:
            kept.append((score, metric, chosen))
    return kept, troubles


def lm_eval_task_settings(
    origin: Origin, document: dict[str, Any], task: str, shots: int | None, shared: Mapping[str, Any]
) -> dict[str, Any]:
    """All that is set for a task, with what is set for all tasks of its file."""
    general, config = part(document, "config"), part(document, "configs", task)
    generative = lm_eval_generative(config)
    limit = finite(general.get("limit"))
    if limit is not None and 0 < limit < 1:  # a share of the items
        limit = whole(part(document, "n-samples", task).get("effective"))
    sampling = lm_eval_generation_kwargs(config, general) if generative else {}
    return merged_settings(
        {
            "few_shot_split": lm_eval_shots_split(config) if shots and config else None,
            "stop": stop_text(part(config, "generation_kwargs").get("until")) if generative else None,
            "limit": int(limit) if limit is not None and limit == int(limit) else general.get("limit"),
            "template_sha256": lm_eval_template(config),
        },
        {name: value for name, value in sampling.items() if name not in {*LM_EVAL_GENERATION, "until"}},
        shared,
        {"grader_model": general.get("annotator_model") if origin.format == "evalchemy" else None},
        part(document, "evalchemy_settings", task),
    )


def lm_eval_generative(config: Mapping[str, Any]) -> bool:
    """Whether a task's answers are texts."""
    return config.get("output_type") == "generate_until"


def lm_eval_reader(
    samples: Path,
    document: dict[str, Any],
    task: str,
    kept: Sequence[tuple[ScoreRead, str, str | None]],
    shots: int | None,
) -> tuple[Callable[..., Iterator[AskedItem | PlainItems]], bool]:
    """What reads the items of a task's samples file, and whether it takes the begin and end of a piece of it."""
    config = part(document, "configs", task)
    filters, ordered = lm_eval_filters(config, [chosen for _, _, chosen in kept])
    no_template = "chat_template" in document and document["chat_template"] is None
    reading = LmEvalTask(
        tuple((score.name, metric, chosen) for score, metric, chosen in kept),
        config,
        lm_eval_split(config) or "test",
        lm_eval_generative(config),
        shots,
        no_template,
        bool(filters),
    )
    if not filters or rows_name_filters(samples):
        return lambda own_ids, *span: lm_eval_items(samples, reading, own_ids, *span), True
    means = {(metric, chosen): score.value for score, metric, chosen in kept if chosen and score.aggregation == "mean"}

    def items(own_ids: bool) -> Iterator[AskedItem]:
        return (lm_eval_item(row, reading, own_ids) for row in rows_with_filters(samples, filters, ordered, means))

    return items, False


def lm_eval_template(config: Mapping[str, Any]) -> str | None:
    """A hash of all in a task's configuration that makes its prompts, so that files without items tell other ones;
    None where it does not say how it asks. Functions are told by their text, without their place in memory."""
    if not config.get("doc_to_text"):
        return None
    asked = {name: config[name] for name in LM_EVAL_PROMPT if config.get(name) is not None}
    text = ADDRESS.sub("", json.dumps(asked, sort_keys=True, default=str))
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()


def lm_eval_filters(config: Mapping[str, Any], scored: Sequence[str | None]) -> tuple[list[str], bool]:
    """A task's filters where it has several, and whether they are in the configuration's order; `scored`: those of
    its scores."""
    listed = list(dict.fromkeys(str(each.get("name")) for each in rows_of(config.get("filter_list"))))
    found = list(dict.fromkeys(name for name in scored if name is not None))
    ordered = set(found) <= set(listed)
    filters = listed if ordered else found
    return (filters, ordered) if len(filters) > 1 else ([], ordered)


def lm_eval_shots_split(config: Mapping[str, Any]) -> str:
    """The split that the examples in the prompt come from."""
    return (
        first(*(named(config.get(f"{name}_split")) for name in ("fewshot", "training", "validation")))
        or "the evaluated split"
    )


def lm_eval_source(
    config: Mapping[str, Any], task: str, total: int | None, moment: Moment, here: Here
) -> dict[str, Any]:
    """Where the items of an lm-eval task come from."""
    repo, split, asked = named(config.get("dataset_path")), lm_eval_split(config), part(config, "dataset_kwargs")
    details = {"subset": named(config.get("dataset_name")), "split": split}
    files = [Path(text) for text in all_texts(list(part(asked, "data_files").values()) or asked.get("data_files"))]
    if repo and (is_path(repo) or Path(repo).is_dir()) and not files:
        folder = Path(repo)
        details["path"] = shown_path(folder) if folder.is_dir() else foreign_id(repo)
        details["data_sha256"] = here.data(folder, moment) if folder.is_dir() else None
    elif files:
        files = [Path(asked["data_dir"]) / path for path in files] if named(asked.get("data_dir")) else files
        folder = Path(os.path.commonpath([os.path.abspath(path.parent) for path in files]))
        names = [Path(os.path.abspath(path)).relative_to(folder).as_posix() for path in files]
        local = all(path.is_file() for path in files)
        details |= {"path": shown_path(folder) if local else None, "data_files": ",".join(sorted(names))}
        details["data_sha256"] = here.data(folder, moment, names) if local else None
    elif repo:
        return hub_source(repo, split, total, details | {"revision": named(asked.get("revision"))})
    details["samples_number"] = total
    return {"dataset_name": single_line(task), "source_type": "other", "additional_details": strings(details)}


# --- parts/formats/mteb.py --------------------------------------------------------------------------------------------

MTEB_DESCRIPTIVE = re.compile(r"(?:\w+_)?nauc_.*|.*_threshold|evaluation_time|kg_co2_emissions|.*_per_experiment")
# The splits that MTEB itself scores a task on (eval_splits of its metadata, which no file has), where it isn't `test`.
# fmt: off
MTEB_TASKS = {'McCloskey1978 Rosch1973 Rosch1975': 'HumanConceptsClustering',
 'articles summaries': 'SwednClusteringP2P',
 'default': 'GreekCivicsQA MIRACLVisionRetrieval WebFAQBitextMiningQAs WebFAQBitextMiningQuestions',
 'dev': 'CmedqaRetrieval CovidRetrieval DuRetrieval EcomRetrieval HagridRetrieval Ko-StrategyQA MIRACLReranking '
        'MIRACLRetrieval MIRACLRetrievalHardNegatives MIRACLRetrievalHardNegatives.v2 MMarcoReranking '
        'MMarcoRetrieval MSMARCO MSMARCO-Fa MSMARCO-VN MedicalRetrieval NanoMSMARCO-VN T2Reranking T2Retrieval '
        'VideoRetrieval mMARCO-NL',
 'dev dev2 train': 'MSMARCOv2',
 'dev test': 'LoTTE MLQuestions MultiLongDocRetrieval STSBenchmarkMultilingualSTS '
             'STSBenchmarkMultilingualVisualSTS StatcanDialogueDatasetRetrieval',
 'dev test train': 'ChemHotpotQARetrieval',
 'devtest': 'FloresBitextMining',
 'headlines': 'SwednClusteringS2S',
 'long': 'BrightBiologyLongRetrieval BrightEarthScienceLongRetrieval BrightEconomicsLongRetrieval '
         'BrightPonyLongRetrieval BrightPsychologyLongRetrieval BrightRoboticsLongRetrieval '
         'BrightStackoverflowLongRetrieval BrightSustainableLivingLongRetrieval',
 'real_chat_test synthetic_test': 'ElasticKBRetrieval',
 'standard': 'BrightAopsRetrieval BrightBiologyRetrieval BrightEarthScienceRetrieval BrightEconomicsRetrieval '
             'BrightLeetcodeRetrieval BrightPonyRetrieval BrightProBiologyRetrieval BrightProEarthScienceRetrieval '
             'BrightProEconomicsRetrieval BrightProPsychologyRetrieval BrightProRoboticsRetrieval '
             'BrightProStackoverflowRetrieval BrightProSustainableLivingRetrieval BrightPsychologyRetrieval '
             'BrightRetrieval BrightRoboticsRetrieval BrightStackoverflowRetrieval '
             'BrightSustainableLivingRetrieval BrightTheoremQAQuestionsRetrieval BrightTheoremQATheoremsRetrieval',
 'test train': 'UkrFormalityClassification',
 'test train validation': 'SIB200Classification',
 'test validation': 'ATEC AmazonCounterfactualClassification AmazonReviewsClassification BQ CTKFactsNLI '
                    'CataloniaTweetClassification CzechSubjectivityClassification EmotionVNClassification '
                    'FQuADRetrieval FilipinoHateSpeechClassification FilipinoHateSpeechClassification.v2 '
                    'FilipinoShopeeReviewsClassification FinParaSTS GermanSTSBenchmark '
                    'GreekLegalCodeClassification IndicGenBenchFloresBitextMining '
                    'IndonesianMongabayConservationClassification IndonesianMongabayConservationClassification.v2 '
                    'MLQARetrieval MLSUMClusteringP2P MLSUMClusteringS2S MLSUMClusteringS2S.v2 '
                    'MTOPDomainClassification MTOPIntentClassification MassiveIntentClassification '
                    'MassiveScenarioClassification MovieReviewSentimentClassification '
                    'MovieReviewSentimentClassification.v2 MultilingualSentiment MultilingualSentiment.v2 '
                    'NorwegianParliamentClassification NorwegianParliamentClassification.v2 '
                    'PawsXPairClassification PersianFoodSentimentClassification PoemSentimentClassification '
                    'PoemSentimentClassification.v2 Quora-PL RuSTSBenchmarkSTS SICKFr STSB STSBenchmark.v2 '
                    'SpanishSentimentClassification SpanishSentimentClassification.v2 SprintDuplicateQuestions-VN '
                    'SwedishSentimentClassification SwedishSentimentClassification.v2 XGlueWPRReranking XNLI',
 'test.full validation.full': 'OpusparcusPC',
 'test_1024 test_16384 test_2048 test_256 test_32768 test_4096 test_512 test_8192': 'LEMBNeedleRetrieval '
                                                                                    'LEMBPasskeyRetrieval',
 'test_2021': 'TweetTopicSingleClassification TweetTopicSingleClassification.v2',
 'test_5s': 'BirdSet',
 'test_cat test_geo test_iid test_vis test_web validation': 'WebLINXCandidatesReranking',
 'test_expert': 'indonli',
 'train': 'AESDD AJGT BeijingOpera BengaliHateSpeechClassification BengaliSentimentAnalysis BibleNLPBitextMining '
          'BirdCLEF BirdCLEFSpeciesClustering CREMA_D CREMA_DClustering CSTRVCTKAccentID CSTRVCTKGender '
          'CodeEditSearchRetrieval DanFEVER DanFeverRetrieval DanishPoliticalCommentsClassification ESC50 '
          'ESC50Clustering ESC50_Zeroshot FaroeseSTS FinancialPhrasebankClassification FlickrAudioToImageRetrieval '
          'FlickrImageToAudioRetrieval FrenchBookReviews GTZANGenre GTZANGenreClustering GunshotTriangulation '
          'HateSpeechPortugueseClassification HindiDiscourseClassification HotelReviewSentimentClassification '
          'IEMOCAPEmotion IEMOCAPGender IRPapersT2IRetrieval IRPapersT2ITRetrieval '
          'IndonesianIdClickbaitClassification IsiZuluNewsClassification KannadaNewsClassification KorFin '
          'KorHateClassification KorSarcasmClassification LibriCount LinceMTBitextMining LocBenchRR MInDS14 '
          'MKQARetrieval MMDocIRT2IRetrieval MMDocIRT2ITRetrieval MridinghamStroke MridinghamTonic MultiSWEbenchRR '
          'MyanmarNews NanoArguAnaRetrieval NanoClimateFeverRetrieval NanoDBPediaRetrieval NanoFEVERRetrieval '
          'NanoFiQA2018Retrieval NanoHotpotQARetrieval NanoMSMARCORetrieval NanoNFCorpusRetrieval NanoNQRetrieval '
          'NanoQuoraRetrieval NanoSCIDOCSRetrieval NanoSciFactRetrieval NanoTouche2020Retrieval '
          'NepaliNewsClassification NollySentiBitextMining NusaTranslationBitextMining NusaXBitextMining '
          'OnlineStoreReviewSentimentClassification PhincBitextMining RavdessZeroshot '
          'RestaurantReviewSentimentClassification SIBFLEURS SWEPolyBenchRR SWEbenchLiteRR SWEbenchMultilingualRR '
          'SWEbenchVerifiedRR SentimentAnalysisHindi SinhalaNewsClassification SinhalaNewsSourceClassification '
          'SiswatiNewsClassification SpanishNewsClassification SpokeNEnglish SpokenQAForIC '
          'SwahiliNewsClassification SwedishPatentCPCGroupClassification SwedishPatentCPCSubclassClassification '
          'TUTAcousticScenes TurkicClassification TweetEmotionClassification TwitterHjerneRetrieval UrbanSound8k '
          'UrbanSound8kClustering UrbanSound8kZeroshot UrduRomanSentimentClassification VDRMultilingualRetrieval '
          'VisRAGRetArxivQA VisRAGRetChartQA VisRAGRetInfoVQA VisRAGRetMPDocVQA VisRAGRetPlotQA VisRAGRetSlideVQA '
          'VoiceGenderClustering VoxCelebSA VoxLingua107_Top10 VoxPopuliAccentID VoxPopuliGenderClustering '
          'VoxPopuliGenderID VoxPopuliLanguageID',
 'valid': 'TinyImageNetClustering',
 'validation': 'AFQMC Cmnli Food101Classification Food101ZeroShot IFlyTek IFlyTek.v2 IWSLT2017BitextMining JSTS '
               'JaQuADRetrieval KLUE-NLI KLUE-STS KLUE-TC KLUE-TC.v2 LEMBSummScreenFDRetrieval Ocnli '
               'SanskritShlokasClassification TNews TNews.v2 TopiOCQA TopiOCQAHardNegatives VieQuADRetrieval '
               'XQuADRetrieval'}
# fmt: on
MTEB_OFFICIAL = {task: tuple(splits.split()) for splits, tasks in MTEB_TASKS.items() for task in tasks.split()}
MTEB_NO_REVISION = {"no_revision_available", "no_model_name_available", "external", ""}


def is_mteb(document: Mapping[str, Any], _path: Path) -> bool:
    """Whether a JSON document is MTEB's result of a task."""
    if "mteb_dataset_name" in document:
        return True
    scores = document.get("scores")
    rows = [row for split in scores.values() for row in rows_of(split)] if isinstance(scores, dict) else []
    return "task_name" in document and bool(rows) and all("hf_subset" in row and "main_score" in row for row in rows)


def read_mteb(origin: Origin, document: dict[str, Any], here: Here, files: Files) -> Iterator[TaskRun | Trouble]:
    """The splits of a result."""
    task = first(named(document.get("task_name")), named(document.get("mteb_dataset_name")))
    if task is None:
        raise ValueError("it does not say which task was asked")
    meta, settings = mteb_meta(origin.path, files), mteb_settings(origin.path, task, files)
    moment = moment_of(document.get("date"))
    name, revision = mteb_model(origin.path, meta)
    model = here.model(name, moment, revision, details={"experiment": meta.get("experiment_kwargs") or None})
    splits, official = mteb_splits(document), MTEB_OFFICIAL.get(task, ("test",))
    titles = {split: task if official == (split,) else f"{task}:{single_line(split)}" for split in splits}
    if len(official) > 1 and set(official) <= set(splits):
        joined = "+".join(official)
        titles[joined] = task
        splits[joined] = {f"{split}/{name}": row for split in official for name, row in splits[split].items()}
    for split, subsets in splits.items():
        scores, counts = mteb_scores(subsets)
        yield TaskRun(
            origin=origin,
            task=titles[split],
            title=titles[split],
            model=model,
            scores=scores,
            version=here.version or named(document.get("mteb_version")) or "unknown",
            library={"dataset_revision": named(document.get("dataset_revision"))},
            source=source_named(task, split=split, revision=named(document.get("dataset_revision"))),
            settings=merged_settings(settings),
            moment=moment,
            counts=counts,
            failure=None if scores else "its main score is no finite number, or not in this old file",
        )


def mteb_meta(path: Path, files: Files) -> dict[str, Any]:
    """model_meta.json beside a result; {} when it is not there."""
    meta = path.with_name("model_meta.json")
    if not meta.is_file():
        return {}
    files.used.add(meta.resolve())
    return part({"meta": json_value(read_bounded(meta))}, "meta")


def mteb_settings(path: Path, task: str, files: Files) -> dict[str, Any]:
    """How texts were encoded, from run_settings.jsonl beside a result."""
    given = path.with_name("run_settings.jsonl")
    if not given.is_file():
        return {}
    files.used.add(given.resolve())
    rows = [part(row, "encode_kwargs") for row in json_lines(given) if row.get("task") == task]
    return rows[-1] if rows else {}


def mteb_model(path: Path, meta: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """(name, revision): from model_meta.json, else from the folders <owner>__<name>/<revision>."""
    names = [folder for folder in (path.parent.name, path.parent.parent.name) if "__" in folder]
    said = named(meta.get("name"))
    folder = names[0].replace("__", "/", 1) if names else None
    name = folder if folder and (said is None or folder.endswith(f"/{said}")) else said
    revision = first(named(meta.get("revision")), path.parent.name if path.parent.parent.name in names else None)
    return name, None if revision in MTEB_NO_REVISION else revision


def mteb_splits(document: Mapping[str, Any]) -> dict[str, dict[str, dict[str, Any]]]:
    """Scores by split and subset."""
    if isinstance(document.get("scores"), dict):
        found = {split: mteb_subsets(split, rows_of(rows)) for split, rows in document["scores"].items()}
    else:  # before 1.11: {split: {subset: scores}}, or {split: scores} for a task of one subset
        found = {split: mteb_old_subsets(values) for split, values in document.items() if isinstance(values, dict)}
    return {split: subsets for split, subsets in found.items() if subsets}


def mteb_subsets(split: str, rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The scores of a split by subset."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        if found.setdefault(row["hf_subset"], row) != row:
            raise ValueError(f"{single_line(split)} has several scores of the subset {single_line(row['hf_subset'])}")
    return found


def mteb_old_subsets(values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The subsets of a split of an old file, the scores of each way of comparing (cos_sim, dot, ...) under one name."""
    ways = {"cos_sim": "cosine", "euclidean": "euclidean", "manhattan": "manhattan", "dot": "dot", "max": "max"}
    nested = {name: row for name, row in values.items() if isinstance(row, dict) and name not in ways}
    found = {}
    for subset, row in (nested or {"default": values}).items():
        flat = {name: value for name, value in row.items() if not isinstance(value, dict)}
        for way, rows in (
            (ways[name], value) for name, value in row.items() if name in ways and isinstance(value, dict)
        ):
            flat |= {f"{way}_{name}": value for name, value in rows.items()}
        found[subset] = flat
    return found


def mteb_scores(subsets: Mapping[str, Mapping[str, Any]]) -> tuple[tuple[ScoreRead, ...], dict[str, str]]:
    """(scores, details) of a split."""
    main = {name: finite(row.get("main_score")) for name, row in subsets.items()}
    known = [value for value in main.values() if value is not None]
    scores, counts = [], {}
    if known and len(known) == len(main):
        alike = sorted(name for name, value in next(iter(subsets.values())).items() if value == known[0])
        alike = [name for name in alike if name != "main_score" and mteb_measures(name)]
        details = {"main_metric": ", ".join(alike) or None}
        rule = "mean" if len(main) == 1 else "mean over subsets"
        scores.append(mteb_score("main_score", sum(known) / len(known), rule, alike, details))
    if len(subsets) == 1:
        row = next(iter(subsets.values()))
        numbers = {name: finite(value) for name, value in row.items() if not isinstance(value, bool)}
        for name, value in numbers.items():
            if value is not None and name != "main_score" and mteb_measures(name):
                scores.append(mteb_score(single_line(name), value, "unknown", [name], {}))
    else:
        counts = {f"subset {single_line(name)}": repr(value) for name, value in main.items()}
    return tuple(scores[:120]), counts


def mteb_measures(name: str) -> bool:
    """Whether a number measures the model, and does not only describe its scores."""
    return not MTEB_DESCRIPTIVE.fullmatch(name) and not is_no_score("mteb", name)


def mteb_score(name: str, value: float, rule: str, metrics: list[str], details: Mapping[str, Any]) -> ScoreRead:
    """One number, with the unit of the metrics that it may be: a main score is known by its value alone."""
    units = {unit_in("mteb", metric) for metric in metrics}
    unit = units.pop() if len(units) == 1 else None
    aggregation = "unknown" if rule == "mean" else rule  # of a mean over items nothing is said
    way = direction_in("mteb", name)
    return ScoreRead(name, name, value, aggregation, unit=unit or ("unknown", None, None), details=details, **way)


# --- parts/formats/nemo.py --------------------------------------------------------------------------------------------

NEMO_GENERATION = {"temperature": "temperature", "max_new_tokens": "max_tokens", "max_tokens": "max_tokens"}
NEMO_GENERATION |= {"top_p": "top_p"}
NEMO_HARMLESS = {"parallelism", "max_retries", "request_timeout", "task", "extra", "limit_samples"}
NEMO_BUNDLE_LEFT_OUT = {"model", "model_url", "benchmark", "output_dir", "repeats", "max_problems"}


def is_nemo(document: Mapping[str, Any], _path: Path) -> bool:
    """Whether a document is a result of NeMo Evaluator."""
    results = part(document, "results")
    legacy = {"config", "target", "results"} <= set(document) and bool({"tasks", "groups"} & set(results))
    return legacy or ({"run_id", "config_hash", "sdk_version", "benchmark"} <= set(document))


def read_nemo(origin: Origin, document: dict[str, Any], here: Here, files: Files) -> Iterator[TaskRun | Trouble]:
    """The tasks of a file."""
    if "sdk_version" in document:
        yield from nemo_bundle(origin, document, here, files)
        return
    results, config = part(document, "results"), part(document, "config")
    params, target = part(config, "params"), part(document, "target", "api_endpoint")
    moment = Moment()
    model = here.model(named(target.get("model_id")), moment, deployment="unknown")
    tasks, groups = part(results, "tasks"), part(results, "groups")
    if tasks:
        for name in groups:
            if name not in tasks:
                yield Trouble(str(origin.path), "an average over tasks: recomputed, never imported", single_line(name))
    for task, row in (tasks or groups).items():
        if part(row, "groups"):
            yield Trouble(str(origin.path), "an average over groups: recomputed, never imported", single_line(task))
            continue
        scores = nemo_scores(part(row, "metrics"))
        yield TaskRun(
            origin=origin,
            task=str(task),
            title=single_line(task),
            model=model,
            scores=scores,
            version=here.version or "unknown",
            library={"type": named(config.get("type")), "git_hash": named(document.get("git_hash"))},
            source=source_named(single_line(task)),
            shots=whole(part(params, "extra").get("num_fewshot")),
            generation_args=nemo_generation(params),
            settings=merged_settings(
                {"limit": params.get("limit_samples"), "endpoint": target.get("type")},
                {name: value for name, value in params.items() if name not in {*NEMO_GENERATION, *NEMO_HARMLESS}},
                part(params, "extra"),
                {"adapter": part(target, "adapter_config") or None},
            ),
            moment=moment,
            failure=None if scores else "none of its metrics is a finite number",
        )


def nemo_generation(given: Mapping[str, Any]) -> dict[str, Any]:
    """How text was generated."""
    found = {to: finite(given[name]) for name, to in NEMO_GENERATION.items() if name in given}
    return found | ({"max_tokens": whole(found["max_tokens"])} if "max_tokens" in found else {})


def nemo_scores(metrics: Mapping[str, Any]) -> tuple[ScoreRead, ...]:
    """The scores of a task of results.yml: metrics.<metric>.scores.<name>.{value, stats}."""
    found = []
    for metric, rows in metrics.items():
        for name, row in part(rows, "scores").items():
            value, stats = finite(part({"row": row}, "row").get("value")), part(row, "stats")
            if value is None:
                continue
            label = single_line(name if name == metric or metric in str(name) else f"{metric}/{name}")
            error = finite(stats.get("stderr"))
            found.append(
                ScoreRead(
                    *(label, METRIC_IDS.get(label, label.replace("/", "_")), value, None),
                    standard_error=error if error is not None and error > 0 else None,
                    method="analytic" if error else None,
                    count=whole(stats.get("count")) or None,
                    **direction_in("nemo", label.split("__")[0]),
                )
            )
    return tuple(found)


def nemo_bundle(origin: Origin, document: Mapping[str, Any], here: Here, files: Files) -> Iterator[TaskRun | Trouble]:
    """The benchmark of a bundle; results.jsonl beside it has one line for each attempt."""
    config, benchmark = part(document, "config"), part(document, "benchmark")
    task = named(benchmark.get("name"))
    if task is None:
        raise ValueError("it does not say which benchmark was asked")
    moment = moment_of(document.get("timestamp"))
    count = whole(benchmark.get("samples"))
    scores = tuple(
        ScoreRead(
            *(single_line(name), re.sub(r"^pass@(\d+)$", r"pass_at_\1", name), float(row["value"]), None),
            count=count,
            unit=("proportion", 0.0, 1.0) if name.startswith("pass@") else None,
            rounding=5.1e-5,
            **direction_in("nemo", name),
        )
        for name, row in part(benchmark, "scores").items()
        if isinstance(row, dict) and finite(row.get("value")) is not None
    )
    lines = origin.path.with_name("results.jsonl")
    lines = lines if lines.is_file() else None
    files.used |= {lines.resolve()} if lines else set()
    repeats = whole(benchmark.get("repeats")) or 1
    yield TaskRun(
        origin=origin,
        task=task,
        title=task,
        model=here.model(named(config.get("model")), moment),
        scores=scores,
        version=here.version or named(document.get("sdk_version")) or "unknown",
        library={"config_hash": document.get("config_hash")},
        source=source_named(task, samples_number=None),
        generation_args=nemo_generation(config),
        settings=merged_settings(
            {"limit": config.get("max_problems"), "repeats": repeats if repeats > 1 else None},
            {name: value for name, value in config.items() if name not in {*NEMO_GENERATION, *NEMO_BUNDLE_LEFT_OUT}},
        ),
        moment=moment,
        run_ids={"run_id": document.get("run_id"), "created": document.get("timestamp")},
        samples=(lambda _: nemo_items(lines, [score.name for score in scores], repeats)) if lines else None,
        sample_file=lines,
        failure=None if scores else "none of its metrics is a finite number",
    )


def nemo_items(path: Path, scores: list[str], repeats: int) -> Iterator[AskedItem]:
    """The attempts of results.jsonl."""
    headline = next((name for name in scores if name in ("pass@1", "mean_reward")), None)
    for line in json_lines(path):
        details, metadata = part(line, "scoring_details"), part(line, "metadata")
        failed = details.get("error_category")
        broken = failed in ("infra_error", "system")  # nothing was found out; a timeout is the model's failure
        read = line.get("extracted_answer")
        values = {headline: finite(line.get("reward"))} if headline else {}
        for name in scores:
            if name.startswith("scorer:") and name in details:
                values[name] = finite(part(details, name).get("correct"))
        yield AskedItem(
            id=str(line.get("problem_idx")),
            raw=str(line.get("prompt") or ""),
            references=all_texts(line.get("expected_answer")),
            answers=[str(line.get("model_response") or "")],
            values=values,
            found=(str(read), "nemo-evaluator") if read not in (None, "") else None,
            generative=True,
            truncated=None,
            unparsed=None,
            attempt=whole(line.get("repeat")) if repeats > 1 else None,
            tries={name: [None] for name in values} if broken else None,
            errored=int(bool(failed)),
            lost_to_errors=int(broken),
            limit_hit=int(failed == "solve_timeout"),
            metadata=bounded_metadata(metadata) | ({"failed": without_paths(str(failed))[:80]} if failed else {}),
        )


# --- parts/formats/olmes.py -------------------------------------------------------------------------------------------

# What is a score; the rest are counts and sums of log-likelihoods.
OLMES_METRICS = re.compile(
    r"acc_.*|exact_match.*|f1|recall|pass_at_\d+|bits_per_byte(?:_corr)?|ppl_.*|.*_acc|maj_at_\d+|score|win_rate|bleu"
)
OLMES_GENERATION = {"temperature": "temperature", "max_gen_toks": "max_tokens", "top_p": "top_p", "top_k": "top_k"}
# "arc_challenge:mc::olmes": how choices are asked (mc, rc, cot) and in which regime are settings, no part of it.
OLMES_ALIAS = re.compile(r"(?P<name>[^:]+)(?::(?P<form>[^:]+(?::[^:]+)*))?(?:::(?P<regime>.+))?")
# Tasks of which a regime itself asks so many items, drawn with a seed of its own (oe_eval/configs/tasks.py).
OLMES_SAMPLES = {
    ("olmes", 1000): {"arc_easy", "boolq", "drop", "hellaswag", "naturalqs", "piqa", "socialiqa", "squad"},
    ("olmo1", 1000): {"arc_challenge", "arc_easy", "boolq", "csqa", "hellaswag", "piqa", "sciq"}
    | {"socialiqa", "winogrande"},
    ("olmo1", 200): {"gsm8k"},
}
OLMES_NAMES = {"model", "model_path", "revision", "model_type", "metadata"}
OLMES_TASK_SETTINGS = (
    *("random_subsample_seed", "use_chat_format", "fewshot_seed", "fewshot_source", "context_kwargs", "metric_kwargs"),
    *("chat_overrides", "dependencies", "custom_kwargs", "version"),
)


def is_olmes(document: Mapping[str, Any], _path: Path) -> bool:
    """Whether a JSON document is of OLMES: a task's metrics, or the summary of a run."""
    task = {"task_config", "model_config", "metrics"} <= set(document) and "task_name" in document
    return task or ("all_primary_scores" in document and bool({"tasks", "metrics"} & set(document)))


def read_olmes(origin: Origin, document: dict[str, Any], here: Here, files: Files) -> Iterator[TaskRun | Trouble]:
    """The tasks of a file."""
    summary = origin.path.with_name("metrics.json")
    if "task_name" in document:
        beside = olmes_summary(summary, summary.stat().st_mtime_ns) if summary.is_file() else {}
    else:
        others = [(path, object_beside(path)) for path in sorted(origin.path.parent.glob("task-*-metrics.json"))]
        beside = {alias: (path, part(row, "metrics")) for path, row in others if (alias := olmes_alias(row))}
    again = 0
    for row in [document] if "task_name" in document else olmes_rows(document):
        path, numbers = beside.get(olmes_alias(row) or "", (None, {}))
        if path and (wrong := unlike(path, part(row, "metrics"), numbers)):
            yield Trouble(str(origin.path), wrong, olmes_alias(row), failed=True)
        elif path and row is not document:
            again += 1
        else:
            yield from olmes_task(origin, row, here, files)
    if again:
        yield Trouble(str(origin.path), "a summary of the task files beside it")


@functools.lru_cache(maxsize=1)  # it lies beside each of many task files
def olmes_summary(path: Path, _changed: int) -> dict[str, tuple[Path, dict[str, Any]]]:
    """The numbers of each task in a summary; `_changed`: when it was, so that another one is read."""
    rows = olmes_rows(object_beside(path))
    return {alias: (path, part(row, "metrics")) for row in rows if (alias := olmes_alias(row))}


def olmes_rows(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The tasks of a summary, each as its own file would have it."""
    found = []
    for row in rows_of(first(document.get("tasks"), document.get("metrics"))):
        task = first(row.get("task_name"), row.get("task"), row.get("alias"))
        flat = {name: value for name, value in row.items() if name not in ("task", "task_config", "num_instances")}
        found.append({"task_name": task, "metrics": flat, "model_config": document.get("model_config"), **row})
    return found


def olmes_alias(row: Mapping[str, Any]) -> str | None:
    """What a task is called, with its form and regime."""
    told = part(row, "task_config", "metadata").get("alias")
    return first(named(told), named(row.get("alias")), named(row.get("task_name")))


def olmes_task(origin: Origin, document: Mapping[str, Any], here: Here, files: Files) -> Iterator[TaskRun | Trouble]:
    """One task."""
    config, models, metrics = part(document, "task_config"), part(document, "model_config"), part(document, "metrics")
    own, alias = named(document.get("task_name")), olmes_alias(document)
    if alias is None:
        raise ValueError("a task without a name")
    form = OLMES_ALIAS.fullmatch(alias)
    title = form["name"] if form else alias
    if "num_tasks" in metrics or part(config, "metadata").get("num_tasks") or "tasks" in config:
        yield Trouble(str(origin.path), "an average over tasks: recomputed, never imported", alias)
        return
    moment = moment_of((named(document.get("current_date")) or "").replace(" UTC", "+00:00"))
    generation, count = part(config, "generation_kwargs"), whole(document.get("num_instances"))
    scores = olmes_scores(metrics, named(config.get("primary_metric")), count)
    predictions, requests = (
        origin.path.with_name(origin.path.name.replace("-metrics.json", f"-{kind}.jsonl"))
        for kind in ("predictions", "requests")
    )
    has_items = "-metrics.json" in origin.path.name and predictions.is_file()
    files.used |= {path.resolve() for path in (predictions, requests) if has_items}
    limit, regime = whole(config.get("limit")), form and form["regime"]
    drawn = limit == count and title in OLMES_SAMPLES.get((regime, limit), ())
    names = {score.name: score.details.get("metric", score.name) for score in scores}
    yield TaskRun(
        origin=origin,
        task=alias,
        title=single_line(title),
        model=here.model(
            first(named(models.get("model_path")), named(models.get("model"))),
            moment,
            named(models.get("revision")),
            deployment="externally_managed" if models.get("model_type") == "litellm" else "self_deployed",
        ),
        scores=scores,
        shots=whole(config.get("num_shots")),
        version=here.version or "unknown",
        library={name: document.get(name) for name in ("task_hash", "model_hash")},
        source=source_named(
            own,
            split=config.get("split"),
            revision=config.get("revision"),
            samples_number=count if drawn else None,
        ),
        generation_args={
            **{to: finite(generation.get(name)) for name, to in OLMES_GENERATION.items()},
            "max_tokens": whole(generation.get("max_gen_toks")),
        },
        settings=merged_settings(
            {
                "limit": None if drawn or (limit and count and count < limit) else config.get("limit"),
                "sample_of_regime": count if drawn else None,
                "backend": models.get("model_type"),
                "stop": generation.get("stop_sequences"),
                "formulation": form and form["form"],
                "regime": regime,
            },
            {name: value for name, value in models.items() if name not in OLMES_NAMES},
            {name: value for name, value in generation.items() if name not in {*OLMES_GENERATION, "stop_sequences"}},
            {name: config.get(name) for name in OLMES_TASK_SETTINGS},
        ),
        moment=moment,
        samples=(lambda _: olmes_items(predictions, requests, names)) if has_items else None,
        sample_file=predictions if has_items else None,
        beside=(requests,) if has_items and requests.is_file() else (),
        failure=None if scores else "none of its metrics is a finite number",
    )


def olmes_scores(metrics: Mapping[str, Any], primary: str | None, count: int | None) -> tuple[ScoreRead, ...]:
    """The scores of a task, its primary one first."""
    known = {name: finite(value) for name, value in metrics.items() if OLMES_METRICS.fullmatch(name)}
    found = {name: value for name, value in known.items() if value is not None}
    if finite(metrics.get("primary_score")) is not None and primary not in found:
        found["primary_score"] = finite(metrics["primary_score"])
    order = sorted(found, key=lambda name: (name not in (primary, "primary_score"), name))
    return tuple(
        ScoreRead(
            *(single_line(name), METRIC_IDS.get(name, name), found[name], None),
            **direction_in("olmes", name),
            count=count,
            details={"metric": primary if name == "primary_score" and primary else name},
        )
        for name in order
    )


def olmes_items(predictions: Path, requests: Path, names: Mapping[str, str]) -> Iterator[AskedItem]:
    """The items; their questions are in the requests, in the same order, one request for each choice."""
    asked = json_lines(requests) if requests.is_file() else iter(())
    request = next(asked, None)
    for line in json_lines(predictions):
        own: list[dict[str, Any]] = []
        while request is not None and request.get("doc_id") == line.get("doc_id"):
            own.append(request)
            request = next(asked, None)
        yield olmes_item(line, own, names)


def olmes_item(line: Mapping[str, Any], requests: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> AskedItem:
    """One line of a predictions file."""
    metrics, outputs = part(line, "metrics"), rows_of(line.get("model_output"))
    doc = part(requests[0], "doc") if requests else {}
    context = part(requests[0], "request").get("context") if requests else None
    context = context if isinstance(context, str) else None
    choices = [str(part(row, "request").get("continuation") or "") for row in requests]
    several = len(choices) > 1 and all(choices)
    label = line.get("label")
    index = whole(label) if several and not isinstance(label, str) else None
    answers = [str(row["continuation"]) for row in outputs if isinstance(row.get("continuation"), str)]
    stops = [row.get("reached_max_tokens") for row in outputs if "reached_max_tokens" in row]
    return AskedItem(
        id=str(first(line.get("native_id"), line.get("doc_id"))),
        raw=str(first(named(doc.get("query")), context, f"doc {line.get('doc_id')}")),
        references=[choices[index]] if index is not None and index < len(choices) else all_texts(label),
        answers=answers,
        values={name: finite(metrics.get(metric)) for name, metric in names.items() if metric in metrics},
        choices=choices if several else None,
        prompt=context,
        shown=olmes_shown(metrics, choices, names) if several else {},
        generative=bool(answers),
        truncated=sum(map(bool, stops)) if stops else None,
        unparsed=None,
    )


def olmes_shown(metrics: Mapping[str, Any], choices: Sequence[str], names: Mapping[str, str]) -> dict[str, list[str]]:
    """The choice that each metric takes: acc_per_char has it as predicted_index_per_char."""
    found = {}
    for name, metric in names.items():
        index = whole(metrics.get(f"predicted_index_{metric.removeprefix('acc_')}"))
        if index is not None and index < len(choices):
            found[name] = [choices[index]]
    return found


# --- parts/formats/opencompass.py -------------------------------------------------------------------------------------

SAME_SHARE = 0.006  # percent: two digits are written of some
OPENCOMPASS_RUN = re.compile(r"\d{8}_\d{6}")  # the folder of a run, by its time
OPENCOMPASS_FOLDERS = ("predictions", "configs", "summary", "logs")
# What OpenCompass says of the answers.
OPENCOMPASS_RIGHT = ("correct", "is_correct", "cascade_correct")


def is_opencompass(document: Mapping[str, Any], path: Path) -> bool:
    """Whether a JSON document is a result of OpenCompass: by its place and by what it holds."""
    work = path.parent.parent.parent
    run = OPENCOMPASS_RUN.fullmatch(work.name) or any((work / name).is_dir() for name in OPENCOMPASS_FOLDERS)
    placed = path.parent.parent.name == "results" and run
    plain = all(isinstance(value, int | float | str | dict | list | None) for value in document.values())
    return (
        bool(placed) and plain and ("error" in document or any(opencompass_is_score(*row) for row in document.items()))
    )


def opencompass_is_score(name: str, value: Any) -> bool:
    """Whether a row of a result is a score."""
    return finite(value) is not None and not isinstance(value, bool) and not is_no_score("opencompass", name)


def read_opencompass(origin: Origin, document: dict[str, Any], here: Here, files: Files) -> Iterator[TaskRun | Trouble]:
    """The one task of a result."""
    task, shown = origin.path.stem, origin.path.parent.name
    stamp = origin.path.parent.parent.parent.name  # "20261121_093000"
    moment = moment_of(f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:8]}T{stamp[9:11]}:{stamp[11:13]}:{stamp[13:15]}")
    details = opencompass_details(document.get("details"))
    marked = [row for row in details.values() if opencompass_values(row)]
    names = [name for name, value in document.items() if opencompass_is_score(name, value)]
    scores = tuple(opencompass_score(task, name, float(document[name])) for name in names)
    shares = [score for score in scores if score.unit and score.unit[0] == "percent"]
    strict = [score for score in shares if score.id == "prompt_level_strict_acc"]  # by which IFEval calls an item right
    per_item, lost = opencompass_of_items(strict or shares, marked), ""
    if marked and len(marked) < len(details):
        lost = f"{len(details) - len(marked)} of its {len(details)} items do not say whether they are right"
    elif marked and shares and not per_item:
        lost = "none of its scores is the share of its items that are right"
    readable = bool(marked and per_item and not lost)
    predictions = opencompass_predictions(origin.path)
    files.used |= {path.resolve() for path in predictions}
    runs = max((len(opencompass_values(row)) for row in details.values()), default=1)
    yield TaskRun(
        origin=origin,
        task=task,
        title=single_line(task),
        model=here.model(shown, moment),
        scores=scores,
        version=here.version or "unknown",
        source=source_named(single_line(task)),
        settings={"repeats": runs if runs > 1 else None},
        moment=moment,
        samples=(lambda _: opencompass_items(details, per_item)) if readable else None,
        sample_file=origin.path if readable else None,
        lost=lost,
        failure=None if scores else f"OpenCompass says: {single_line(document.get('error') or 'no score')}"[:300],
    )


OPENCOMPASS_PREFIX = re.compile(r"humaneval(?:_plus)?_(?=pass@)")
OPENCOMPASS_ACCURACIES = {"accuracy", "acc", "pass@1"}


def opencompass_score(task: str, name: str, value: float) -> ScoreRead:
    """A number of a result. OpenCompass multiplies accuracies by 100; one of at most 1 may be either. What a bare
    "score" is depends on the task's evaluator: a share of right answers, a BLEU, an error."""
    bare = name.split(" (", 1)[0]  # "accuracy (4 runs average)"
    measure = metric_facts("opencompass", bare, task).get("metric") or OPENCOMPASS_PREFIX.sub("", bare)
    measure = (metric_type(bare) or bare) if "-level-" in bare else measure  # IFEval's four
    defined = unit_in("opencompass", bare, task)
    if defined is None and bare in OPENCOMPASS_ACCURACIES and (value == 0.0 or 1.0 < value <= 100.0):
        defined = ("percent", 0.0, 100.0)
    percent, per_part = defined is not None and defined[0] == "percent", measure.startswith("inst_")
    return ScoreRead(
        *(bare, {"acc": "accuracy"}.get(measure, measure), value, "mean" if percent and not per_part else None),
        unit=defined or ("unknown", None, None),
        **direction_in("opencompass", bare, task=task),
        details={"name_as_written": name if name != bare else None},
    )


def opencompass_details(details: Any) -> dict[str, dict[str, Any]]:
    """The items of a result by their number."""
    if isinstance(details, dict):
        return {key: row for key, row in details.items() if key.isdecimal() and isinstance(row, dict)}
    return {str(row.get("example_abbr", index)): row for index, row in enumerate(rows_of(details))}


def opencompass_values(row: Mapping[str, Any]) -> list[float]:
    """Whether each answer to an item is right; [] where it is not said."""
    given = first(*(row.get(name) for name in OPENCOMPASS_RIGHT))
    values = [finite(value) for value in (given if isinstance(given, list) else [given])]
    return [] if None in values else values


def opencompass_of_items(shares: Sequence[ScoreRead], rows: Sequence[Mapping[str, Any]]) -> str:
    """The score that items make: the only one, which is held against them later, or the one of several that they do."""
    if len(shares) < 2 or not rows:
        return shares[0].name if shares else ""
    means = [sum(values) / len(values) for values in map(opencompass_values, rows)]
    right = 100 * sum(means) / len(means)
    return next((score.name for score in shares if abs(score.value - right) < SAME_SHARE), "")


def opencompass_predictions(path: Path) -> list[Path]:
    """The answers that a result was made from: they hold no scores."""
    folder = path.parent.parent.parent / "predictions" / path.parent.name
    parts = folder.glob(f"{glob.escape(path.stem)}_[0-9]*.json")
    return [file for file in (folder / path.name, *parts) if file.is_file()]


OPENCOMPASS_ROLES = {"HUMAN": "user", "BOT": "assistant", "SYSTEM": "system"}


def opencompass_prompt(prompt: Any) -> str | None:
    """What was asked: a text, or as chat models get it a list of turns with their text under "prompt"; None where a
    turn has none."""
    if not isinstance(prompt, list):
        return None if prompt is None else str(prompt)
    turns = [turn if isinstance(turn, dict) else {"role": "HUMAN", "prompt": turn} for turn in prompt]
    texts = [first(turn.get("prompt"), turn.get("content")) for turn in turns]
    if None in texts:
        return None
    roles = [str(turn.get("role")) for turn in turns]
    named = [
        {"role": OPENCOMPASS_ROLES.get(role, role), "content": text} for role, text in zip(roles, texts, strict=True)
    ]
    return messages_text(named, None)


def opencompass_items(details: Mapping[str, Mapping[str, Any]], score: str) -> Iterator[AskedItem]:
    """The items; a right answer is worth 100."""
    for key, row in details.items():
        values = [100.0 * value for value in opencompass_values(row)]
        answers = first(row.get("origin_prediction"), row.get("prediction"), row.get("pred"))
        read = first(row.get("predictions"), row.get("pred"))
        text = opencompass_prompt(row.get("prompt"))
        yield AskedItem(
            id=key,
            raw=text or f"item {key}",
            references=all_texts(first(row.get("references"), row.get("answer"), row.get("answers"))),
            answers=[] if isinstance(answers, dict) else all_texts(answers),
            values={score: sum(values) / len(values)},
            prompt=text,
            found=(read if isinstance(read, str) else json.dumps(read, ensure_ascii=False), "opencompass")
            if read
            else None,
            generative=bool(answers) and not isinstance(answers, dict),
            truncated=None,
            unparsed=None,
            tries={score: values} if len(values) > 1 else None,
        )


# --- parts/formats/simple_evals.py ------------------------------------------------------------------------------------

SIMPLE_EVALS_NAMES = (
    *("healthbench_hard", "healthbench_consensus", "healthbench_meta", "healthbench", "humaneval", "simpleqa"),
    *("browsecomp", "mmlu", "math", "gpqa", "mgsm", "drop"),
)
SIMPLE_EVALS_FILE = re.compile(
    rf"(?P<task>{'|'.join(SIMPLE_EVALS_NAMES)})_(?P<model>.+)_(?P<date>\d{{8}})_(?P<time>\d{{6}})"
    r"(?P<debug>_DEBUG)?(?P<items>_allresults)?"
)
# Numbers over all items that are measured beside the top line; every other one is of a part of the items.
SIMPLE_EVALS_METRICS = re.compile(r"score|f1_score|em_score|f1|accuracy_given_attempted|is_\w+|pass@(?!1$)\d+")
SIMPLE_EVALS_AGAIN = {"chars", "overall_score", "pass@1"}  # no score, or the top line under another name
SIMPLE_EVALS_IDS = {"f1_score": "f1", "em_score": "exact_match"}
SIMPLE_EVALS_READ = {"mmlu", "gpqa", "math", "mgsm"}  # where "Extracted Answer: None" is one that was not found
SIMPLE_EVALS_LINE = re.compile(r"<p>(Correct Answer|Extracted Answer|Score): ([^<]*)</p>")  # what it puts in is escaped


def is_simple_evals(document: Mapping[str, Any], path: Path) -> bool:
    """Whether a JSON document is a result of simple-evals: told by its name, and by its top-line score."""
    said = SIMPLE_EVALS_FILE.fullmatch(path.stem)
    return bool(said) and "score" in document and (not said["items"] or "htmls" in document)


def read_simple_evals(
    origin: Origin, document: dict[str, Any], here: Here, files: Files
) -> Iterator[TaskRun | Trouble]:
    """The evaluation of a file; the short one gives nothing when the long one is beside it."""
    said = SIMPLE_EVALS_FILE.fullmatch(origin.path.stem)
    moment, given = simple_evals_moment(said["date"], said["time"]), simple_evals_numbers(document)
    stem = origin.path.stem.removesuffix("_allresults")
    other = origin.path.with_name(f"{stem}.json" if said["items"] else f"{stem}_allresults.json")
    if is_simple_evals(beside := object_beside(other), other):
        wrong = unlike(other, given, simple_evals_numbers(beside))
        if wrong or not said["items"]:
            reason = wrong or f"the same numbers as in {other.name}"
            yield Trouble(str(origin.path), reason, said["task"], failed=bool(wrong))
            return
    names = simple_evals_names(document, said["task"])
    count = len({name for name, _ in names}) or whole(given.get("score:n_samples"))
    repeats = len(names) // count if names else 1
    scores = []
    for name in sorted(filter(SIMPLE_EVALS_METRICS.fullmatch, given), key=lambda name: (name != "score", name)):
        value = finite(given[name])
        if value is not None:
            scores.append(simple_evals_score(said["task"], name, value, given, count, repeats))
    for name in sorted(set(given) - {score.name for score in scores} - SIMPLE_EVALS_AGAIN):
        if finite(given[name]) is not None and ":" not in name:
            yield Trouble(str(origin.path), f"{single_line(name)}: a part of the items", said["task"])
    yield TaskRun(
        origin=origin,
        task=said["task"],
        title=simple_evals_title(said["task"], count),
        model=here.model(said["model"], moment, deployment="externally_managed"),
        scores=tuple(scores),
        shots=3 if said["task"] == "drop" else 0,
        version=here.version or "unknown",
        source={"dataset_name": said["task"], "source_type": "other"},
        settings={
            "limit": (count or "unknown") if said["debug"] else None,
            "repeats": repeats if repeats > 1 else None,
        },
        moment=moment,
        samples=(lambda _: simple_evals_items(document, said["task"], names))
        if simple_evals_readable(document)
        else None,
        sample_file=origin.path,
        failure=None if scores else "it has no finite score",
    )


def simple_evals_numbers(document: Mapping[str, Any]) -> dict[str, Any]:
    """The numbers of either file."""
    own = {"score": document["score"]} if "htmls" in document else document
    return {**part(document, "metrics"), **own}


def simple_evals_title(task: str, count: int | None) -> str:
    """The benchmark: its "gpqa" asks the 198 questions of the diamond set, where it isn't called with another."""
    return "gpqa_diamond" if task == "gpqa" and (count or 0) <= 198 else task


def simple_evals_score(
    task: str, name: str, value: float, given: Mapping[str, Any], count: int | None, repeats: int
) -> ScoreRead:
    """A number over all items. Its spread is over the answers: of no use where a question has several."""
    spread, error = finite(given.get(f"{name}:std")), finite(given.get(f"{name}:bootstrap_std"))
    if spread is not None and count and count > 1:  # simple-evals divides by n, not by n - 1
        error = spread / math.sqrt(count - 1)
    error = error if repeats == 1 else None
    rule = None if name in ("f1", "accuracy_given_attempted") else "mean"
    clipped = task.startswith("healthbench") and value in (0.0, 1.0)  # it cuts the mean of its items off there
    return ScoreRead(
        *(name, simple_evals_id(task, name), value, "clipped_mean" if clipped else rule),
        standard_error=error,
        method=None if error is None else "analytic" if spread is not None else "bootstrap",
        count=count,
        unit=("percent", 0.0, 100.0) if (task, name) == ("drop", "f1_score") else ("proportion", 0.0, 1.0),
        **direction_in("simple-evals", name),
    )


def simple_evals_id(task: str, name: str) -> str:
    """The shared id of a metric; the top line is the share of right answers but for HealthBench's rubric score."""
    if name.startswith("pass@"):
        return name.replace("@", "_at_")
    if name != "score" or task.startswith("healthbench"):
        return SIMPLE_EVALS_IDS.get(name, name)
    return {"humaneval": "pass_at_1", "drop": "drop_score"}.get(task, "accuracy")


def simple_evals_moment(date: str, time: str) -> Moment:
    """The time in a file's name, local to the machine that wrote it."""
    return moment_of(f"{date[:4]}-{date[4:6]}-{date[6:]}T{time[:2]}:{time[2:4]}:{time[4:]}")


def simple_evals_lines(page: Any) -> dict[str, str]:
    """What the last lines of an item's page say."""
    return {
        name: html.unescape(text) for name, text in SIMPLE_EVALS_LINE.findall(page if isinstance(page, str) else "")
    }


def simple_evals_value(row: Any, page: Any) -> float | None:
    """An item's score."""
    known = finite(row.get("score")) if isinstance(row, dict) else None
    text = simple_evals_lines(page).get("Score", "").strip()
    try:
        return first(known, {"True": 1.0, "False": 0.0}.get(text), finite(float(text)) if text else None)
    except ValueError:
        return known


def simple_evals_rows(document: Mapping[str, Any]) -> list[tuple[Any, Any, Any]]:
    """(page, conversation, metadata) of each item."""
    pages, convos = document.get("htmls"), document.get("convos")
    pages, convos = pages if isinstance(pages, list) else [], convos if isinstance(convos, list) else []
    rows = part(document, "metadata").get("example_level_metadata")
    rows = rows if isinstance(rows, list) and len(rows) == len(pages) else [None] * len(pages)
    return list(zip(pages, convos, rows, strict=True)) if len(pages) == len(convos) else []


def simple_evals_readable(document: Mapping[str, Any]) -> bool:
    """Whether the items of a file have scores that can be read."""
    rows = simple_evals_rows(document)
    return bool(rows) and any(simple_evals_value(row, page) is not None for page, _, row in rows)


def simple_evals_asked(convo: Any) -> tuple[str, list[str]]:
    """(what was asked, the answers) of a conversation: its last messages are the answers, HumanEval has several."""
    messages = rows_of(convo)
    size = len(list(itertools.takewhile(lambda row: row.get("role") == "assistant", reversed(messages))))
    cut = len(messages) - size
    return messages_text(messages[:cut], None), [message_text(row.get("content")) for row in messages[cut:]]


def simple_evals_names(document: Mapping[str, Any], task: str) -> list[tuple[str, int]]:
    """(a name, how often it was asked before) of each item; GPQA's are the same in any order of their choices.

    What occurs more often than the rest is two items with the same text, where the whole list comes again and again.
    """
    known = []
    for page, convo, _ in simple_evals_rows(document):
        asked = simple_evals_asked(convo)[0]
        if task == "gpqa":
            known.append(content_id(" ".join(sorted(asked.split())), []))
        else:
            known.append(content_id(asked, simple_evals_references(simple_evals_lines(page), task)))
    size = len(known)
    if len(set(Counter(known).values())) > 1:
        fits = (n for n in range(len(set(known)), size) if size % n == 0 and known[n:] == known[:-n])
        size = next(fits, size)
        before: Counter[str] = Counter()
        for place, name in enumerate(known[:size]):
            known[place::size] = [f"{name}-{before[name] + 1}" if before[name] else name] * len(known[place::size])
            before[name] += 1
    times, found = Counter(), []
    for name in known:
        found.append((name, times[name]))
        times[name] += 1
    return found


def simple_evals_references(lines: Mapping[str, str], task: str) -> list[str]:
    """The right answers; HumanEval's tests are not in its files."""
    return [] if task == "humaneval" else all_texts(lines.get("Correct Answer"))


def simple_evals_items(document: Mapping[str, Any], task: str, names: list[tuple[str, int]]) -> Iterator[AskedItem]:
    """The items; a question that is asked again (repeats) is another attempt of it."""
    for (page, convo, row), (name, attempt) in zip(simple_evals_rows(document), names, strict=True):
        lines, (raw, answers) = simple_evals_lines(page), simple_evals_asked(convo)
        value, read = simple_evals_value(row, page), lines.get("Extracted Answer")
        passed = simple_evals_passed(read) if task == "humaneval" else []
        tries = [float(one) for one in passed] if len(passed) > 1 else None
        known = {f"pass@{k}": pass_at_k(len(passed), sum(passed), k) for k in range(2, len(passed) + 1)}
        searched = read is not None and task in SIMPLE_EVALS_READ
        yield AskedItem(
            id=name,
            raw=raw,
            references=simple_evals_references(lines, task),
            answers=answers,
            values={"score": value} | known,
            prompt=raw,
            found=(read, "simple-evals") if searched and read != "None" else None,
            generative=True,
            truncated=None,
            unparsed=read == "None" if searched else None,
            attempt=attempt,
            tries={"score": tries} if tries else None,
        )


def simple_evals_passed(text: str | None) -> list[bool]:
    """Which of HumanEval's programs passed: "[True, False]"."""
    try:
        found = json.loads((text or "").lower())
    except ValueError:
        return []
    return found if isinstance(found, list) and all(isinstance(one, bool) for one in found) else []


# --- parts/formats/swe_bench.py ---------------------------------------------------------------------------------------

# What became of an instance, the first that fits; the report's lists overlap, but for the first.
SWE_BENCH_STATES = {
    "resolved": "resolved_ids",
    "not submitted": "incomplete_ids",
    "empty patch": "empty_patch_ids",
    "error": "error_ids",
    "unresolved": "unresolved_ids",
}
SWE_BENCH_COUNTS = {"resolved": "resolved_instances", "unresolved": "unresolved_instances"}


def is_swe_bench(document: Mapping[str, Any], _path: Path) -> bool:
    """Whether a JSON document is a report of SWE-bench's harness."""
    return all(isinstance(document.get(name), list) for name in ("resolved_ids", "submitted_ids", "error_ids"))


def read_swe_bench(origin: Origin, document: dict[str, Any], here: Here, files: Files) -> Iterator[TaskRun | Trouble]:
    """The run of a report."""
    moment = Moment()
    stem, run_id = swe_bench_name(origin.path, here)
    states = swe_bench_states(document)
    total = whole(document.get("total_instances"))
    if not total or total != len(states):
        raise ValueError(f"it counts {total} instances and names {len(states)}")
    count = {state: sum(own == state for own in states.values()) for state in SWE_BENCH_STATES}
    infra = set(all_texts(document.get("infra_failure_ids")))
    title = here.task or "swe_bench"
    if here.task is None:
        here.warn(f"{origin.path.name}: SWE-bench, Lite or Verified is not said in a report: --task says which it was")
    score = ScoreRead(
        "resolved_rate",
        "resolved_rate",
        count["resolved"] / total,
        "mean",
        count=total,
        unit=("proportion", 0.0, 1.0),
        scorer={"scorer": "tests"},
        direction_known=True,
    )
    yield TaskRun(
        origin=origin,
        task=title,
        title=title,
        model=here.model(swe_bench_model(stem), moment, details={"agent": stem or None}),
        scores=(score,),
        version=here.version or "unknown",
        source=source_named("SWE-bench", samples_number=total),
        moment=moment,
        run_ids={"run_id": run_id} if stem else {},
        counts={
            "not_submitted": count["not submitted"],
            "empty_patches": count["empty patch"],
            "infra_failures": len(infra),
        },
        samples=lambda _: swe_bench_items(states, infra),
        sample_file=origin.path,
    )


def swe_bench_name(path: Path, here: Here) -> tuple[str, str]:
    """(model, run id) in a report's name <model>.<run id>.json, both of which may have dots.

    A dot between two digits is one of a version; where others leave a choice, the run's logs/run_evaluation/<run
    id>/<model> decides, or --model-id; ValueError where neither is there.
    """
    stem = path.stem
    dots = [place.start() for place in re.finditer(r"\.", stem)]
    plain = [dot for dot in dots if not re.fullmatch(r"\d\.\d", stem[max(dot - 1, 0) : dot + 2])] or dots
    cuts = [(stem[:dot], stem[dot + 1 :]) for dot in plain]
    for folder in list(path.resolve().parents)[:3] if len(cuts) > 1 else ():
        cuts = [(model, run) for model, run in cuts if (folder / "logs/run_evaluation" / run / model).is_dir()] or cuts
    if len(cuts) > 1 and here.model_id is None:
        found = " or ".join(f"{swe_bench_model(model)} (run {run})" for model, run in cuts[:4])
        raise ValueError(f"its name may be of {found}: --model-id OWNER/NAME says which model it is")
    return cuts[-1] if cuts else ("", stem)


def swe_bench_model(stem: str) -> str | None:
    """The model's or agent's name in a report's file name, where "/" is written "__"; None where there is none."""
    return re.sub("__", "/", stem, count=1) if stem else None


def swe_bench_states(document: Mapping[str, Any]) -> dict[str, str]:
    """What became of each instance."""
    found: dict[str, str] = {}
    for state, name in SWE_BENCH_STATES.items():
        named = all_texts(document.get(name))
        if state != "resolved" and (both := [one for one in named if found.get(one) == "resolved"]):
            raise ValueError(f"{single_line(both[0])[:80]} is in resolved_ids and in {name}")
        if (told := whole(document.get(SWE_BENCH_COUNTS.get(state)))) is not None and told != len(set(named)):
            raise ValueError(f"it counts {told} {state} and names {len(set(named))}")
        for instance in named:
            found.setdefault(instance, state)
    return found


def swe_bench_items(states: Mapping[str, str], infra: set[str]) -> Iterator[AskedItem]:
    """The instances; their repository is in their names ("django__django-11099") and groups them."""
    for instance, state in sorted(states.items()):
        repo = instance.rpartition("-")[0].replace("__", "/", 1)
        missing = instance in infra or state == "not submitted"  # wrong for SWE-bench, but nothing was found out
        metadata = {"repo": repo, "status": "infrastructure failure" if instance in infra else state}
        yield AskedItem(
            id=instance,
            raw=instance,
            references=[],
            answers=[],
            values={"resolved_rate": float(state == "resolved")},
            unparsed=state == "empty patch",
            tries={"resolved_rate": [None]} if missing else None,
            errored=int(state == "error" or instance in infra),
            lost_to_errors=int(instance in infra),
            metadata=metadata,
        )


# --- parts/formats/trainer_state.py -----------------------------------------------------------------------------------

TRAINER_TITLE = "trainer_eval"
# What the Trainer logs of an evaluation beside its metrics.
TRAINER_SPEED = re.compile(
    r".*_(?:runtime|samples_per_second|steps_per_second|model_preparation_time|jit_compilation_time)"
)


def is_trainer_state(document: Mapping[str, Any], _path: Path) -> bool:
    """Whether a JSON document is the state of a Trainer."""
    return isinstance(document.get("log_history"), list) and "global_step" in document


def read_trainer_state(
    origin: Origin, document: dict[str, Any], here: Here, files: Files
) -> Iterator[TaskRun | Trouble]:
    """The evaluations of a run."""
    folder = origin.path.parent
    run = folder.parent if parse_checkpoint_name(folder.name) else folder
    longer = longest_state(run, origin.path, whole(document.get("global_step")) or 0)
    if longer is not None:
        where = longer.relative_to(run).as_posix()
        yield Trouble(str(origin.path), f"its steps are in the run's longer log {where} too")
        return
    rows = [row for row in rows_of(document.get("log_history")) if any(name.startswith("eval_") for name in row)]
    if not rows:
        yield Trouble(str(origin.path), "the trainer evaluated nothing: only losses of the training")
    by_step: dict[int, dict[str, Any]] = {}
    for row in rows:  # several data sets log a row each; a step that a resumed run repeats has its later values
        step = whole(row.get("step"))
        if step is not None:
            by_step.setdefault(step, {}).update(row)
    for step, row in sorted(by_step.items()):
        moment, scores = state_moment(run / f"checkpoint-{step}"), trainer_scores(row)
        yield TaskRun(
            origin=origin,
            task=f"{TRAINER_TITLE}|step {step}",
            title=TRAINER_TITLE,
            model=here.model(
                str(run.resolve() / f"checkpoint-{step}"),
                moment,
                details={"step": str(step), "epoch": row.get("epoch")},
            ),
            scores=scores,
            version=here.version or "unknown",
            source={"dataset_name": "the trainer's evaluation data", "source_type": "other"},
            settings={"batch_size": document.get("train_batch_size")},
            moment=moment,
            run_ids={"measured_by": "trainer"},
            identity=f"trainer {step} {json.dumps([(score.name, score.value) for score in scores])}",
            failure=None if scores else "none of its metrics is a finite number",
        )


def state_moment(checkpoint: Path) -> Moment:
    """When the state of a checkpoint that is here was written: just after its weights."""
    path = checkpoint / "trainer_state.json"
    return moment_of(path.stat().st_mtime) if path.is_file() else Moment()


def longest_state(run: Path, own: Path, steps: int) -> Path | None:
    """Another state of a run with more steps, or with as many and in the run's own folder; None when it is this one."""
    for path in (run / "trainer_state.json", *run.glob("*/trainer_state.json")):
        ours = path.parent == run or parse_checkpoint_name(path.parent.name)
        if not path.is_file() or path.resolve() == own.resolve() or not ours or searched_part(str(path)):
            continue
        other = steps_in(path, path.stat().st_mtime_ns)
        if other > steps or (other == steps and path.parent == run):
            return path
    return None


@functools.lru_cache(maxsize=4096)
def steps_in(path: Path, _changed: int) -> int:
    """The last step in a state; 0 when it cannot be read."""
    try:
        return whole(part({"state": json_value(read_bounded(path))}, "state").get("global_step")) or 0
    except (OSError, ValueError):
        return 0


def trainer_scores(row: Mapping[str, Any]) -> tuple[ScoreRead, ...]:
    """The metrics of an evaluation, the loss first."""
    found = []
    for name, value in sorted(row.items(), key=lambda pair: (not pair[0].endswith("loss"), pair[0])):
        number = finite(value)
        if not name.startswith("eval_") or number is None or TRAINER_SPEED.fullmatch(name):
            continue
        unit = ("loss", 0.0, None) if name.endswith("loss") and number >= 0 else None
        found.append(
            ScoreRead(
                *(single_line(name), single_line(name), number, "unknown"),
                **direction_in("trainer-state", name),
                unit=unit,
            )
        )
    return tuple(found)


# --- parts/formats/finding.py -----------------------------------------------------------------------------------------

BFCL_COUNTS = {"accuracy", "correct_count", "total_count"}  # the first line of its *_score.json
SNIFFED = 4096  # read of each file in a folder, to tell what it is
MARKERS = (b'"config_general"', b'"adapter_spec"', b'"eval"', b'"results"', b'"metrics"', b'"scores"', b'"htmls"')
MARKERS += (b'"evaluation_results"', b'"log_history"', b'"details"', b'"resolved_ids"', b'"benchmark"')
YAML_RESULTS = {"results.yml", "results.yaml"}  # of NeMo Evaluator

FORMAT_READERS: dict[str, Callable[..., Iterator[TaskRun | MigratedRecord | Trouble]]] = {
    "lighteval": read_lighteval,
    "lm-eval": read_lm_eval,
    "lmms-eval": read_lm_eval,
    "evalchemy": read_lm_eval,
    "inspect": read_inspect_json,
    "helm": read_helm,
    "evalscope": read_evalscope,
    "mteb": read_mteb,
    "olmes": read_olmes,
    "nemo": read_nemo,
    "opencompass": read_opencompass,
    "evalplus": read_evalplus,
    "swe-bench": read_swe_bench,
    "simple-evals": read_simple_evals,
    "trainer": read_trainer_state,
    "every-eval-ever": read_every_eval_ever,
}
# Told by what they hold, in this order; OpenCompass's files are told by their place alone, so that it is the last.
FORMAT_TESTS: dict[str, Callable[[Mapping[str, Any], Path], bool]] = {
    "every-eval-ever": is_every_eval_ever,
    "evalscope": is_evalscope,
    "mteb": is_mteb,
    "olmes": is_olmes,
    "nemo": is_nemo,
    "evalplus": is_evalplus,
    "swe-bench": is_swe_bench,
    "trainer": is_trainer_state,
    "simple-evals": is_simple_evals,
    "opencompass": is_opencompass,
}


def sniff(path: Path) -> str:
    """What a file is by its first bytes: zip, parquet, lines, json, yaml or other."""
    with open_result(path) as file:
        head = file.read(SNIFFED)
    if head[:4] in (b"PK\3\4", b"PK\5\6"):
        return "zip"
    if head[:4] == b"PAR1":
        return "parquet"
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text[:1] not in (b"{", b"["):
        return "yaml" if path.name in YAML_RESULTS else "other"
    return "lines" if path.suffix == ".jsonl" or text.startswith(b'{"doc_id"') else "json"


def format_of(document: Any, path: Path) -> str | None:
    """Which harness wrote a document; None for any other."""
    if not isinstance(document, dict):
        return None
    if isinstance(document.get("config_general"), dict) and isinstance(document.get("results"), dict):
        return "lighteval"
    if isinstance(document.get("adapter_spec"), dict) and isinstance(document.get("scenario_spec"), dict):
        return "helm"
    if isinstance(document.get("eval"), dict) and isinstance(document.get("status"), str):
        return "inspect"
    found = next((name for name, test in FORMAT_TESTS.items() if test(document, path)), None)
    return found or lm_eval_family(document)


def bfcl_text(counts: Mapping[str, Any]) -> str:
    """Why a score file of the Berkeley Function Calling Leaderboard is not read, by its first line."""
    told = " of ".join(single_line(counts[name])[:20] for name in ("correct_count", "total_count"))
    return (
        f"a score file of BFCL: {told} right, and below it the failed items alone, of one category; which items were "
        "asked, and whether the model was prompted in text, it does not say, so it is not read; scripts/"
        'score_predictions.py makes a record of {"id": …, "passed": true or false} for each item'
    )


def read_file(
    found: FoundFile, wanted: str | None, here: Here, files: Files
) -> Iterator[TaskRun | MigratedRecord | Trouble] | None:
    """What a file tells; None when it is no result file. ValueError and the like when it is damaged."""
    path = found.path
    if not path.is_file():
        raise ValueError("no regular file")
    kind = sniff(path)
    if kind == "zip" and (path.suffix == ".eval" or found.asked):
        origin = Origin(path, file_digest(path), "inspect")
        return read_inspect_archive(origin, here, files) if wanted in (None, "inspect") else None
    if path.suffix == ".eval" or (path.suffix == ".parquet" and kind != "parquet"):
        raise ValueError(
            f"no {'zip archive' if path.suffix == '.eval' else 'parquet file'}: cut off, or something else"
        )
    if kind not in ("json", "yaml"):
        return None
    data = read_bounded(path) if found.asked or path.suffix == ".json" or path.name in YAML_RESULTS else b""
    if not any(marker in data for marker in MARKERS) and len(data) > 1 << 26:
        return None
    first = first_of_lines(data)
    if isinstance(first, dict) and first.keys() >= BFCL_COUNTS:
        raise ValueError(bfcl_text(first))
    if first is not None and format_of(first, path) is None:
        return None  # JSON lines of something else
    document = (small_yaml(path) if kind == "yaml" else json_value(data)) if data else None
    name = format_of(document, path)
    if name is None or wanted not in (None, name):
        return None
    if name == "every-eval-ever" and document["schema_version"] == SCHEMA_VERSION and not found.asked:
        return None  # a record of this version needs no converting
    origin = Origin(path, hashlib.sha256(data).hexdigest(), name)
    if name == "trainer" and wanted is None and not found.asked:
        return iter([Trouble(str(path), "what the trainer logged, no benchmark: --format trainer reads it")])
    return FORMAT_READERS[name](origin, document, here, files)


# --- parts/formats/inspect_runs.py ------------------------------------------------------------------------------------

HEAD = 1 << 16  # bytes of a JSON log that hold its identity: samples come last
TASK_ARGS = re.compile(rb'"task_args"\s*:\s*(?=\{)')
HEAD_FIELD = re.compile(rb'"(status|eval_id|task_id|created|task|model)"\s*:\s*"((?:[^"\\]|\\.)*)"')
HEAD_COUNT = re.compile(rb'"((?:total|completed)_samples)"\s*:\s*(\d{1,12})\b')
INVALIDATED = re.compile(rb'"invalidated"\s*:\s*true')


@dataclass(frozen=True)
class LogHead:
    """What tells a log apart: `good` when it ended well, `whole` when that with all its samples; seconds since 1970."""

    path: Path
    good: bool
    whole: bool
    run_id: str
    task_id: str
    task: str
    model: str
    args: str  # what the task was asked with: another subject of it is another run
    created: float

    @property
    def asked(self) -> tuple[str, str, str]:
        """What was asked of whom."""
        return self.task, self.model, self.args


def log_head(path: Path) -> LogHead | None:
    """The head of a log; None for any other file."""
    with contextlib.suppress(Exception):  # what is damaged is said when it is read
        if path.suffix == ".eval":
            with LogArchive(path) as archive:
                header = archive.read("header.json" if "header.json" in archive.names else "_journal/start.json")
            found = {**part(header, "eval"), **part(header, "results")}
            found |= {name: header.get(name) for name in ("status", "invalidated")}
        else:
            with open_result(path) as file:
                head = file.read(HEAD)
            if b'"eval"' not in head or b'"status"' not in head:
                return None
            found = {}
            for name, value in HEAD_FIELD.findall(head):
                found.setdefault(name.decode(), value.decode(errors="replace"))
            for name, value in HEAD_COUNT.findall(head):
                found.setdefault(name.decode(), int(value))
            found["invalidated"] = bool(INVALIDATED.search(head))
            if place := TASK_ARGS.search(head):
                text = head[place.end() :].decode(errors="replace")
                found["task_args"] = json.JSONDecoder().raw_decode(text)[0]
        texts = [str(found.get(name) or "") for name in ("eval_id", "task_id", "task", "model")]
        created = moment_of(found.get("created")).seconds
        if texts[2] and texts[3] and created is not None:
            args = json.dumps(found.get("task_args") or {}, sort_keys=True)
            good = found.get("status") == "success" and not found.get("invalidated")
            total, completed = (found.get(f"{name}_samples") for name in ("total", "completed"))
            return LogHead(path, good, good and total == completed, *texts, args, created)
    return None


def superseded_logs(files: Iterable[FoundFile]) -> dict[Path, str]:
    """Each log that another one completes or replaces, with the reason."""
    heads = [head for head in (log_head(found.path) for found in files if is_log_name(found.path)) if head]
    heads.sort(key=lambda head: head.created)
    found: dict[Path, str] = {}
    for head in heads:
        if head.whole:
            continue
        later = [other for other in heads if other.created > head.created and other.run_id != head.run_id]
        later = [other for other in later if other.asked == head.asked]
        retries = [other for other in later if head.task_id and other.task_id == head.task_id]
        good = [other for other in retries if other.good]
        if good or (retries and not head.good):
            found[head.path] = f"retried: {single_line((good or retries)[-1].path.name)} is said to complete it"
            continue
        alike = [other for other in later if other.good]
        if alike and not head.good:
            found[head.path] = f"it failed, and a later run ended well: {single_line(alike[-1].path.name)}"
    return found


def is_log_name(path: Path) -> bool:
    """Whether a file may be a log, by its name."""
    return path.suffix in (".eval", ".json")


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


# [cog.end]

if __name__ == "__main__":
    raise SystemExit(main())
