#!/usr/bin/env -S uv run --script
# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "choix>=0.4.1,<0.5",
#     "jiwer>=4,<5",
#     "krippendorff>=0.8,<1",
#     "matplotlib>=3.10,<4",
#     "numpy>=2,<3",
#     "orjson>=3.10,<4",
#     "rich>=14,<16",
#     "rouge-score>=0.1.2,<0.2",
#     "sacrebleu>=2.5,<3",
#     "scikit-learn>=1.6,<2",
#     "scipy>=1.15,<2",
#     "statsmodels>=0.14.4,<0.16",
# ]
# ///
"""Score a file of predictions with the metric of its task; write one record and its samples.

Reads PREDICTIONS.jsonl, one object with an "id" in each line. Prints a table of the scores with their standard errors
and 95 % intervals (--json: one document) and writes OUTPUT_DIR/data/<benchmark>/<developer>/<model>/<uuid>.json and
<uuid>_samples.jsonl (Every Eval Ever 0.3.0), or nothing at all.

  uv run scripts/score_predictions.py answers.jsonl --metric accuracy --model-id me/mine --benchmark boolq
  uv run scripts/score_predictions.py answers.jsonl --metric exact-match,f1-token --model-id me/mine --benchmark squad
  uv run scripts/score_predictions.py raw.jsonl --metric accuracy --parse "answer: (\\w)" --model-id M --benchmark K
  uv run scripts/score_predictions.py chances.jsonl --metric ece --figure reliability.svg --model-id M --benchmark K
  uv run scripts/score_predictions.py answers.jsonl --custom-metric mine.py --model ./checkpoints/step_700 --benchmark K
  uv run scripts/score_predictions.py answers/data/quiz/me/mine/UUID.json --custom-metric judge.py   # of an evaluation

metric                                               fields of a line, beside "id" (and "prompt", "group", "attempt")
  accuracy exact-match f1-binary f1-macro f1-micro   prediction; reference, or references (a list)
  mcc ter                                            the same
  f1-token bleu chrf chrf++ rouge-1 rouge-2 rouge-l  the same
  rouge-lsum wer cer                                 the same
  pass@K                                             passed (a list, or that of one "attempt"), or n and c
  ece adaptive-ece mce rms-ce brier log-loss         reference; probability (and prediction), or probabilities
  auroc average-precision                            reference; score (or probability) of the positive class
  pearson spearman kendall                           prediction, reference (numbers)
  mos krippendorff                                   ratings (a list, or by rater), or item, rater and rating
  mushra                                             item, rater, system, rating
  ndcg@K recall@K precision@K map map@K mrr mrr@K    ranked (ids), relevant (ids, or id to grade)
  win-rate bradley-terry elo@K                       a, b (models), winner (a, b or tie) or preference (for a, 0 to 1)
  lc-win-rate                                        the same, and length_a, length_b or output_a, output_b
  pesq stoi estoi                                    audio, reference_audio; run with: uv run --with pesq --with pystoi
  toxicity                                           prediction; run with: uv run --with transformers --with torch

A prediction that is null, or in which --parse finds nothing, is counted apart and not as wrong; above 10 %: exit 3. Lines with the same
"group" (a passage, a prompt) go together in the intervals. What each metric does: references/score_predictions.md.

Exit codes: 0 done; 2 it could not be done (bad lines are named; stdout is empty and nothing is written); 3 a choice is
needed (the message names the candidates), or more than 10 % of the answers have no score.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import math
import re
import shlex
import sys
import time
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path


TOKENIZERS = ("13a", "intl", "char", "zh", "none", "ja-mecab", "ko-mecab", "flores101", "flores200", "spm")
SUFFIXES = (".png", ".svg")


def asked_metrics(args: argparse.Namespace, custom: CustomMetric | None) -> list[Metric]:
    """The metrics of the command line, each once."""
    metrics = [parse_metric(text) for part in args.metric or () for text in part.split(",") if text.strip()]
    metrics += [custom.metric] if custom else []
    if not metrics:
        raise ScriptError(f"which metric? --metric with one of {', '.join(METRICS)}, or --custom-metric FILE.py")
    names = [metric.name for metric in metrics]
    if custom and names.count(custom.metric.name) > 1:
        raise ScriptError(
            f"--custom-metric {args.custom_metric}: {custom.metric.name} is a metric already; rename the file"
        )
    return list(dict.fromkeys(metrics))


def read_choices(args: argparse.Namespace, model: str, custom: CustomMetric | None) -> Choices:
    """The options that decide scores, checked."""
    try:
        pattern = re.compile(args.parse, re.DOTALL) if args.parse is not None else None
    except re.error as error:
        raise ScriptError(f"--parse: not a regular expression: {error}") from error
    if not 1 <= args.bins <= 1000 or not (args.draws == 0 or args.draws >= 100) or not 0 <= args.threshold <= 1:
        raise ScriptError("--bins is 1 to 1000, --draws 0 or at least 100, --threshold 0 to 1")
    if args.clip is not None and not 0 < args.clip < 0.5:
        raise ScriptError("--clip is above 0 and below 0.5")
    form = None if args.unicode == "none" else args.unicode

    def typed(text: str | None) -> str | None:
        return text if text is None or form is None else unicodedata.normalize(form, text)

    def name(text: str | None) -> str | None:
        return text and unicodedata.normalize("NFC", text)

    pattern = pattern and re.compile(typed(pattern.pattern), re.DOTALL)
    return Choices(
        model=model, folder=args.predictions.parent, pattern=pattern, unparsed_as_wrong=args.unparsed_as_wrong,
        tags=None if args.reasoning_tags == ["none", "none"] else tuple(args.reasoning_tags),
        form=form, positive=typed(args.positive), bins=args.bins, clip=args.clip, tokenize=args.tokenize, stemmer=args.stemmer,
        normalize=args.normalize, rating_range=read_range(args.rating_range), system=name(args.system),
        opponent=name(args.opponent), anchor=name(args.anchor), hidden_reference=name(args.hidden_reference),
        mid_anchor=name(args.mid_anchor),
        screening=not args.no_screening,
        without_raters=frozenset(one.strip() for one in name(args.without_raters or "").split(",") if one.strip()), level=args.level, classifier=args.classifier, toxic_label=args.toxic_label,
        threshold=args.threshold, draws=args.draws, seed=args.seed, custom=custom,
        watch=progress if sys.stderr.isatty() else unwatched,
    )  # fmt: skip


def read_range(text: str | None) -> tuple[float, float] | None:
    """ "0,10" -> (0, 10)."""
    if text is None:
        return None
    try:
        low, high = map(float, text.split(","))
    except ValueError:
        low = high = math.nan
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ScriptError(f"--rating-range {text}: write LOW,HIGH, for instance 1,5")
    return low, high


def agreed_benchmark(args: argparse.Namespace, metrics: Sequence[Metric]) -> str:
    """The benchmark; ScriptError for arguments that do not go together."""
    if not args.benchmark or len(args.benchmark) > 1 or not single_line(args.benchmark[0]):
        raise ScriptError("--benchmark K names the one benchmark that the predictions are of, for instance squad")
    if args.figure is not None:
        if args.figure.suffix.lower() not in SUFFIXES:
            raise ScriptError(f"--figure {args.figure}: a name that ends in .png or .svg is expected")
        drawn = [*NORMS, "mos", "mushra", *(name for name, metric in METRICS.items() if metric.family == "votes")]
        refuse_no_picture(args.figure)
        if not any(metric.name.partition("@")[0] in drawn for metric in metrics):
            raise ScriptError(f"--figure draws calibration errors, ratings and votes: --metric {', '.join(drawn)}")
    if args.temperature is not None and not 0 <= args.temperature <= 100:
        raise ScriptError("--temperature is 0 to 100")
    if args.shots is not None and not 0 <= args.shots <= 9999:
        raise ScriptError("--shots is 0 to 9999")
    if args.dataset is not None and not HUB_ID.fullmatch(args.dataset):
        raise ScriptError(f"--dataset {args.dataset}: not the id of a data set on the Hub")
    return single_line(args.benchmark[0])


def asked_again(args: argparse.Namespace) -> str:
    """The command that scores the same again, without the machine's own folders and tokens."""
    words = ["uv", "run", "scripts/score_predictions.py", path_word(shown_path(args.predictions))]
    defaults = vars(args.parser.parse_args([str(args.predictions)]))
    for name, value in vars(args).items():
        if name in ("run", "json", "dry_run", "predictions") or value == defaults[name]:
            continue
        for single in value if isinstance(value, list) else [value]:
            words.append("--" + name.replace("_", "-"))
            words += [] if single is True else [shown_argument(str(single))]
    return scrub(shlex.join(words))


def reading_of(args: argparse.Namespace) -> dict[str, str | None]:
    """How answers were read from the predictions."""
    tags, form = args.reasoning_tags, args.unicode
    return {
        "parse": args.parse,
        "unparsed": "counted as wrong" if args.unparsed_as_wrong else "left out",
        "reasoning_tags": None if tags == list(REASONING_TAGS) else " ".join(tags),
        "unicode": None if form == "NFC" else form,
    }


def library_details(args: argparse.Namespace, digest: str, metrics: Sequence[Metric]) -> dict[str, str]:
    """What a record says of how it was made: command, file, versions, seed."""
    versions = {metric.library: library_version(metric.library) for metric in metrics if metric.library}
    details = {
        "command": asked_again(args),
        "predictions_sha256": digest,
        "seed": args.seed,
        **versions,
    }
    return strings(details)


PARSE_SECONDS = 10  # for --parse on 50,000 lines; more is a pattern that does not end


def measure_all(metrics: Sequence[Metric], lines: Sequence[Line], choices: Choices) -> list[Measurement]:
    """Every metric; the items of a family are made once."""
    allowed_time = (
        time_limit(PARSE_SECONDS + len(lines) / 5000, "--parse") if choices.pattern else contextlib.nullcontext()
    )
    with allowed_time:
        families = {family: items_of(lines, family, choices) for family in dict.fromkeys(m.family for m in metrics)}
    return [apply_metric(metric, families[metric.family], choices) for metric in metrics]


def print_scores(measurements: Sequence[Measurement], place: str) -> None:
    """The table for people, and those of metrics that rate several models."""
    parts = [table_for(HEADER, [score_row(measurement) for measurement in measurements])]
    tables: dict[str, list[str]] = defaultdict(list)  # calibration errors of the same bins share a table
    for measurement in measurements:
        if measurement.scores.breakdown:
            tables[table_for(*breakdown_rows(measurement))].append(measurement.metric.name)
    parts += [f"{', '.join(names)}:\n\n{table}" for table, names in tables.items()]
    print_data("\n\n".join([*parts, place]))


@contextlib.contextmanager
def without_collector() -> Iterator[None]:
    """No search for cyclic garbage: with a million items, which all live to the end, it takes a third of the time."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def run(args: argparse.Namespace) -> int:
    """Score, write, print."""
    try:
        with without_collector():
            return score_file(args)
    except ScriptError as error:
        if error.code == 3 and args.json:
            print_data(json.dumps({"schema_version": "1", "reason": "choose", "message": str(error)}, indent=1))
        raise


# What the record of an evaluation says itself.
SAID = (
    "map",
    "model",
    "model_id",
    "shots",
    "temperature",
    "sampling_seed",
    "dataset",
    "split",
    "dataset_revision",
    "items_of",
)


def evaluated_answers(args: argparse.Namespace) -> KeptAnswers | None:
    """The answers of an evaluation, where the file is its record; then the benchmark is that one's too."""
    with told_of(args.predictions):
        answers = kept_answers(args.predictions)
    if answers is None:
        return None
    given = next((name for name in SAID if getattr(args, name) is not None), None)
    if given:
        raise ScriptError(f"--{given.replace('_', '-')}: {args.predictions} is an evaluation's record, which says it")
    args.benchmark = args.benchmark or [answers.result["evaluation_name"]]
    return answers


@contextlib.contextmanager
def told_of(path: Path) -> Iterator[None]:
    """What goes wrong within is said of the file, whose name stands in it once."""
    try:
        yield
    except ScriptError as error:
        text = str(error)
        raise ScriptError(text if text.startswith(f"{path}: ") else f"{path}: {text}", error.code) from error


def without_map(words: Sequence[str]) -> str:
    """The command as it was typed, without what --map says."""
    kept: list[str] = []
    inside = False
    for word in words:
        inside = word.split("=")[0] == "--map" or (inside and not word.startswith("-"))
        kept += [] if inside else [word]
    return f"{run_line('score_predictions.py')} {shlex.join(kept)}"


def score_file(args: argparse.Namespace) -> int:
    """All of it: nothing is written before everything is computed."""
    custom = read_custom_metric(args.custom_metric) if args.custom_metric else None
    metrics = asked_metrics(args, custom)
    answers = evaluated_answers(args)
    benchmark = agreed_benchmark(args, metrics)
    subject = answers.subject if answers else read_subject(args.model, args.model_id)
    choices = read_choices(args, subject.id, custom)
    mapped = field_map(args.map, COLUMN_ROLES, OF_REFERENCES if args.references else ())
    families = tuple(dict.fromkeys(metric.family for metric in metrics))
    if args.references and (answers or args.qrels):
        raise ScriptError("--references: an evaluation's record has its own, and a TREC run --qrels")
    if choices.system and (answers or args.qrels):
        raise ScriptError(f"--system {choices.system}: an evaluation's record and a TREC run are of one system")
    names = (subject.id, subject.id.rsplit("/", 1)[-1])
    columns = Columns(mapped, families, without_map(args.parser.words), args.empty_cells, (), choices.system, names)
    with told_of(args.predictions):
        lines, digest = (
            (answers.lines, answers.sha256)
            if answers
            else read_predictions(args.predictions, choices.watch, args.qrels, columns, args.references)
        )
        # Lines of ratings and votes are about several models: how many are of this one is no share of a benchmark.
        several = {"ratings", "votes"} & {metric.family for metric in metrics}
        size = None if several else len({line.id for line in lines})
        lines, limit = planned_lines(args.items_of, lines, subject.id) if args.items_of else (lines, None)
        measurements = measure_all(metrics, lines, choices)
    figure = None
    if args.figure is not None:
        drawn = next(measurement for measurement in measurements if figure_of(measurement))
        items = items_of(lines, drawn.metric.family, choices)
        figure = figure_bytes(drawn, f"{subject.id} on {benchmark}", args.figure.suffix.lower(), items)
    path = None
    if not args.dry_run:
        source = data_source(args, benchmark, size)
        library = library_details(args, digest, metrics)
        shots = answers.shots if answers else args.shots
        about = Evaluation(subject, benchmark, shots, reading_of(args), source, library, int(time.time()),
            args.temperature, args.sampling_seed, limit, answers,
        )  # fmt: skip
        if figure is not None:
            write_lines(args.figure, [figure])
        path = save_record(Path(args.output_dir), about, measurements, choices)
    return show_scores(args, subject, benchmark, lines, measurements, path, choices)


def show_scores(
    args: argparse.Namespace, subject: Subject, benchmark: str, lines: Sequence[Line],
    measurements: Sequence[Measurement], path: Path | None, choices: Choices,
) -> int:  # fmt: skip
    """Print what was found and where it is; 3 where too much has no score."""
    notes = [*thinking_notes(lines, choices), *(text for one in measurements for text in one.scores.notes)]
    notes += absent_notes(lines, choices) if args.qrels else []
    notes += [text for one in measurements if (text := empty_line(one))]
    if any(one.metric.family == "votes" for one in measurements):
        notes += [*few_rater_notes(lines), *unused_notes(lines, field_map(args.map, COLUMN_ROLES))]
    lost = [text for one in measurements if (text := lost_line(one))]
    for text in [*notes, *lost]:
        note(f"note: {text}")
    code = 3 if lost else 0
    if not args.json:
        print_scores(measurements, f"record: {path}" if path else "nothing was written (--dry-run)")
        return code
    document = {
        "schema_version": OUTPUT_VERSION,
        "model_id": subject.id,
        "benchmark": benchmark,
        "predictions": {"file": str(args.predictions), "lines": len(lines)},
        "record": None if path is None else str(path),
        "figure": None if args.figure is None or path is None else str(args.figure),
        "scores": [scores_json(measurement) for measurement in measurements],
        "notes": notes,
        **({"reason": "; ".join(lost)} if lost else {}),
    }
    print_data(json.dumps(document, indent=1, ensure_ascii=False))
    return code


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = CommandLine(description=__doc__)
    parser.rarely(
        "--clip",
        "--bins",
        "--toxic-label",
        "--threshold",
        "--mid-anchor",
        "--hidden-reference",
        "--level",
        "--draws",
        "--seed",
        "--dataset-revision",
        "--classifier",
        "--anchor",
        "--sampling-seed",
        "--dataset",
        "--split",
        "--unicode",
        "--no-screening",
        "--without-raters",
        "--rating-range",
        "--temperature",
        "--unparsed-as-wrong",
        "--positive",
        "--stemmer",
        "--opponent",
        "--items-of",
        "--qrels",
        "--shots",
        "--reasoning-tags",
        "--empty-cells",
        "--figure",
    )
    add = parser.add_argument
    add(
        "predictions",
        type=Path,
        metavar="PREDICTIONS.jsonl",
        help="one JSON object with an id in each line; or an evaluation's record, with its samples beside it",
    )
    add("--map", nargs="+", action="extend", metavar="FIELD=COLUMN",
        help="how the file calls them: prediction=hypothesis reference=text")  # fmt: skip
    add("--references", type=Path, metavar="FILE", help="where they are in a file of their own: by id, or plain lines")
    add("--metric", action="append", metavar="NAME", help="a metric (--help-all lists them; repeat for several)")
    add("--custom-metric", metavar="FILE.py", help="a Python file with one function, score(row); it is run")
    add("--benchmark", action="append", metavar="K", help="what the predictions answer, for instance squad")
    add("--model-id", metavar="ID", help="whose predictions they are; default: Hub id or <run>/<checkpoint> of --model")
    add("--model", metavar="M", help="a checkpoint folder, whose weights are hashed into the record, or a Hub id")
    add("--shots", type=int, metavar="N", help="how many examples stood in the prompts")
    add("--temperature", type=float, metavar="T", help="at which the answers were drawn; 0: greedy")
    add("--sampling-seed", type=int, metavar="N", help="with which they were drawn")
    add("--dataset", metavar="OWNER/NAME", help="the data set on the Hub that the items are from")
    add("--split", metavar="NAME", help="its split")
    add("--dataset-revision", metavar="REV", help="its revision")
    add(
        "--items-of",
        metavar="PLAN",
        help="only the items that a race's plan (benchmark_calculator --plan-next --json) asks for, or the first N",
    )
    add("--output-dir", default="results", metavar="DIR", help="where the record goes; default: results")
    add("--json", action="store_true", help="print one JSON document instead of a table")
    add("--dry-run", action="store_true", help="score and print; write nothing")
    add("--figure", type=Path, metavar="FILE", help="write a figure (.png, .svg): reliability, ratings, votes")

    group = parser.add_argument_group("predictions")
    add = group.add_argument
    add(
        "--parse", metavar="REGEX", help="the answer is the last match in the prediction, its first group if it has one"
    )
    add(
        "--reasoning-tags",
        nargs=2,
        default=list(REASONING_TAGS),
        metavar=("OPEN", "CLOSE"),
        help="what is around thinking, which is not scored (default: <think> </think>; none none: it is)",
    )
    add("--unicode", choices=("NFC", "NFKC", "none"), default="NFC", help="form of texts (default: %(default)s)")
    add("--unparsed-as-wrong", action="store_true", help="count null and unmatched predictions as the worst answer")
    add("--empty-cells", choices=("answer", "missing"), help="what an empty prediction in a CSV or TSV table is")
    add("--positive", metavar="LABEL", help="the positive class of f1-binary and of a probability")
    add("--qrels", type=Path, metavar="FILE", help="TREC's judgements: PREDICTIONS is a TREC run")
    add("--tokenize", choices=TOKENIZERS, default="13a", help="of BLEU (default: %(default)s)")
    add("--stemmer", action="store_true", help="ROUGE with Porter's stemmer")
    add(
        "--normalize",
        nargs="?",
        const="basic",
        choices=("basic", "whisper", "whisper-en"),
        help="WER and CER without case and punctuation, or by Whisper's normalizers (default with no name: basic)",
    )
    add("--bins", type=int, default=BINS, metavar="N", help="of calibration errors (default: %(default)s)")
    add("--clip", type=float, metavar="P", help="the lowest probability for the log loss (default: none)")
    add("--classifier", metavar="M", help="folder or Hub id of the text classifier for toxicity")
    add("--toxic-label", metavar="LABEL", help="the classifier's label that counts (default: toxic or toxicity)")
    add("--threshold", type=float, default=0.5, metavar="P", help="toxic from here on (default: %(default)s)")

    group = parser.add_argument_group("ratings and votes")
    add = group.add_argument
    add(
        "--system", metavar="NAME", help="which system or model of the file is the scored one (default: the model's id)"
    )
    add("--rating-range", metavar="LOW,HIGH", help="the scale (default: 1,5 for mos, 0,100 for mushra)")
    add("--hidden-reference", default=HIDDEN_REFERENCE, metavar="NAME", help="its system name (default: %(default)s)")
    add("--mid-anchor", metavar="NAME", help="also screen raters by this anchor")
    add("--no-screening", action="store_true", help="mushra with all raters")
    add("--without-raters", metavar="NAME,NAME", help="leave out these raters; recorded")
    add("--level", choices=LEVELS, help="how krippendorff compares ratings (default: nominal for words)")
    add("--opponent", metavar="NAME", help="only the votes against this model")
    add("--anchor", metavar="NAME", help="the model whose bradley-terry rating is 0 (default: their mean is)")

    group = parser.add_argument_group("intervals")
    add = group.add_argument
    add("--draws", type=int, default=RESAMPLES, metavar="N", help="bootstrap draws; 0: none (default: %(default)s)")
    add("--seed", type=int, default=0, metavar="N", help="of the draws (default: %(default)s)")
    parser.set_defaults(run=run, parser=parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code is the answer."""
    return run_main(build_parser(), argv)


# Written in parts/ and put here by `uv run parts/assemble.py`: change it there.
# [cog[
# import assemble
# assemble.include(
#     "command_line", "frame", "harness.reasoning", "inputs", "metrics.answers", "metrics.columns", "metrics.figures", "metrics.forecasts", "metrics.items", "metrics.measure", "metrics.plans", "metrics.ratings",
#     "metrics.reading", "metrics.records", "metrics.report", "metrics.vocabulary", "names", "outputs", "private",
#     "records.schema", "tables"
# )
# ]cog]

import atexit
import collections
import csv
import difflib
import errno
import fnmatch
import functools
import glob
import hashlib
import importlib
import importlib.metadata
import io
import itertools
import os
import shutil
import signal
import stat
import string
import tempfile
import textwrap
import threading
import traceback
import uuid
import zipfile
from collections import Counter
from collections.abc import Callable, Collection, Container, Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from itertools import count, pairwise
from statistics import NormalDist, median
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


# --- parts/metrics/vocabulary.py --------------------------------------------------------------------------------------

RESAMPLES = 1_000  # bootstrap draws
BINS = 15  # of a reliability diagram: Guo et al. 2017
HIDDEN_REFERENCE, LOW_RATING, HIGH_RATING, MOST_ODD = "reference", 90, 90, 0.15  # ITU-R BS.1534-3, post-screening
POINTS = {"unit": "points", "high": 100.0}
COEFFICIENT = {"unit": "coefficient", "low": -1.0}
RATE = {"high": None, "lower_is_better": True}  # more errors than words are possible


class Line(NamedTuple):
    """A line of the predictions file."""

    number: int
    id: str
    fields: dict[str, Any]


class Item(NamedTuple):
    """What one metric scores: an answer, a task with its attempts, a rating, a vote, a query.

    value: what the metric reads, by its family; None when the prediction was not parsed. outputs: what the model said.
    """

    line: int
    id: str
    group: str | None
    attempt: str | None
    prompt: str | None
    references: tuple[str, ...]
    outputs: tuple[str, ...]
    value: Any
    more: tuple[tuple[str, str], ...] = ()  # what else its line says: a language, a speaker


class Forecast(NamedTuple):
    """A stated confidence and whether it was right; the probability of what happened, and the squared error of it all.

    about: what the probabilities are of, "the positive class", "the prediction" or "each class".
    """

    about: str
    confidence: float
    right: bool
    outcome: float
    squared_error: float


class Rating(NamedTuple):
    """What a rater (None: not named) gave to a system's version of an item."""

    item: str
    rater: str | None
    system: str | None
    value: float | str


class Vote(NamedTuple):
    """A comparison of two models; share: 1 when `a` won, 0 when `b` did, 0.5 for a tie. longer: length of a less b.

    rater: who voted (None: not named). orders: empty where `a` was shown first; "both" where a verdict is of both
    orders, "unknown" where nothing says which it was.
    """

    a: str
    b: str
    share: float
    longer: float | None
    rater: str | None = None
    orders: str = ""


@dataclass(frozen=True, slots=True)
class Metric:
    """A way to score. `worst`: it has a worst answer, so an unparsed one can be counted as wrong.

    k: the number behind "@". aggregation: "mean" of the items' values, or the name of a score of the whole file.
    """

    name: str
    id: str
    family: str
    unit: str = "proportion"
    low: float | None = 0.0
    high: float | None = 1.0
    lower_is_better: bool = False
    aggregation: str = "mean"
    worst: bool = False
    takes_k: str = ""  # what stands behind "@": "", "optional" or "needed"
    library: str | None = None
    k: int | None = None


@dataclass(frozen=True, slots=True)
class Spread:
    """The uncertainty of a score: standard error and 95 % interval, each with its method; None where there is none."""

    standard_error: float | None = None
    error_method: str = ""
    low: float | None = None
    high: float | None = None
    method: str = ""
    draws: int | None = None


@dataclass(frozen=True, slots=True)
class Scores:
    """What a metric found. values: a number for each of the items, NaN where it has none (`reasons`, by index)."""

    value: float
    items: Sequence[Item]
    values: np.ndarray
    spread: Spread
    reasons: Mapping[int, str] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    breakdown: Sequence[Mapping[str, Any]] = ()
    notes: Sequence[str] = ()
    high: float | None = None  # the top of the metric's range where the data decide it
    low: float | None = None
    formula: str = ""  # how the score is made of `statistics`, one for each item: see parts/statistics/corpus.py
    statistics: Sequence[Sequence[Any]] = ()
    empty: Sequence[Sequence[Any]] = ()  # the statistics that the unparsed items would have, as the worst answers


# How several labels of one item are scored.
LABEL_LINES = (
    "for micro F1 over labels give f1-binary a line for each item and label (reference and prediction 1 or 0, `group` "
    "the item)"
)


def otherwise(value: float, how: str) -> dict[str, Any]:
    """What a record keeps of a score that a scoring option decides: the score with another one, in words how."""
    return {"score_otherwise": value, "otherwise_by": how}


@dataclass(frozen=True, slots=True)
class Measurement:
    """A metric with its scores and the items that were left out as unparsed."""

    metric: Metric
    scores: Scores
    unparsed: Sequence[Item]
    counted_as_wrong: int


@dataclass(frozen=True, slots=True)
class Subject:
    """The model that made the predictions."""

    id: str
    details: Mapping[str, str]

    @property
    def developer(self) -> str:
        return self.id.split("/", 1)[0] if "/" in self.id else "unknown"

    @property
    def name(self) -> str:
        return self.id.split("/", 1)[-1]


class Columns(NamedTuple):
    """How a file's columns are called: --map, the families of the metrics that read them, the command without --map;
    what an empty cell is (--empty-cells), and which columns of a table without an id may be one; what --system says,
    and the names that the model goes by; only: the column that names systems, and the one whose rows are read."""

    mapped: Mapping[str, str] = {}
    families: tuple[str, ...] = ()
    command: str = ""
    empty: str | None = None
    ids: tuple[str, ...] = ()
    system: str | None = None
    model: tuple[str, ...] = ()
    only: tuple[str, str] | None = None


Watch = Callable[[Sequence[Any], str], Iterable[Any]]  # the items, with a progress bar that says what they are


def unwatched(items: Sequence[Any], what: str) -> Iterable[Any]:
    """No progress bar."""
    return items


@dataclass(frozen=True, slots=True)
class Choices:
    """What the command line decides about the metrics; `watch` shows progress, `folder` is the predictions' own."""

    model: str = "model"
    folder: Path = Path()
    pattern: re.Pattern[str] | None = None
    unparsed_as_wrong: bool = False
    tags: tuple[str, str] | None = REASONING_TAGS  # around thinking, which is no part of an answer
    form: str | None = "NFC"  # of Unicode, for predictions and references
    positive: str | None = None
    bins: int = BINS
    clip: float | None = None
    tokenize: str = "13a"
    stemmer: bool = False
    normalize: str | None = None
    rating_range: tuple[float, float] | None = None
    system: str | None = None
    opponent: str | None = None
    anchor: str | None = None
    hidden_reference: str = HIDDEN_REFERENCE
    mid_anchor: str | None = None
    screening: bool = True
    without_raters: frozenset[str] = frozenset()
    level: str | None = None
    classifier: str | None = None
    toxic_label: str | None = None
    threshold: float = 0.5
    draws: int = RESAMPLES
    seed: int = 0
    watch: Watch = unwatched
    custom: CustomMetric | None = None


@dataclass(frozen=True, slots=True)
class CustomMetric:
    """The function of a user's file, from a line's fields to a number or None, and what it says of its scale.

    parameters: the file's SHA-256, and the model and settings of a judge.
    """

    metric: Metric
    function: Callable[[dict[str, Any]], Any]
    parameters: Mapping[str, str]


def text_metric(name: str, id: str | None = None, **more: Any) -> Metric:
    """A metric of predictions and references; the worst answer is an empty one."""
    return Metric(name, id or name.replace("-", "_"), "text", worst=True, **more)


def calibration_metric(name: str, id: str, aggregation: str, **more: Any) -> Metric:
    return Metric(name, id, "forecast", lower_is_better=True, aggregation=aggregation, **more)


METRICS = {
    metric.name: metric
    for metric in (
        text_metric("accuracy"),
        text_metric("exact-match"),
        text_metric("f1-binary", aggregation="f1_binary", library="scikit-learn"),
        text_metric("f1-macro", aggregation="f1_macro", library="scikit-learn"),
        text_metric("f1-micro", aggregation="f1_micro", library="scikit-learn"),
        text_metric("f1-token", "f1"),
        text_metric("bleu", aggregation="bleu", library="sacrebleu", **POINTS),
        text_metric("chrf", aggregation="chrf", library="sacrebleu", **POINTS),
        text_metric("chrf++", "chrf_plus_plus", aggregation="chrf", library="sacrebleu", **POINTS),
        text_metric("rouge-1", library="rouge-score"),
        text_metric("rouge-2", library="rouge-score"),
        text_metric("rouge-l", library="rouge-score"),
        text_metric("rouge-lsum", library="rouge-score"),
        text_metric("ter", aggregation="ter", library="sacrebleu", unit="points", high=None, lower_is_better=True),
        text_metric("mcc", aggregation="mcc", library="scikit-learn", **COEFFICIENT),
        text_metric("wer", aggregation="corpus_wer", library="jiwer", **RATE),
        text_metric("cer", aggregation="corpus_cer", library="jiwer", **RATE),
        Metric("pass", "pass", "attempts", worst=True, takes_k="needed"),
        calibration_metric("ece", "ece", "ece"),
        calibration_metric("adaptive-ece", "adaptive_ece", "adaptive_ece"),
        calibration_metric("mce", "mce", "mce"),
        calibration_metric("rms-ce", "rms_calibration_error", "rms_calibration_error"),
        calibration_metric("brier", "brier_score", "mean", unit="squared_error"),
        calibration_metric("log-loss", "log_loss", "mean", unit="nats", high=None),
        *(
            Metric(name, name, "numbers", aggregation=name, library="scipy", **COEFFICIENT)
            for name in ("pearson", "spearman", "kendall")
        ),
        Metric("auroc", "auroc", "class scores", aggregation="auroc", library="scikit-learn"),
        Metric(
            "average-precision",
            "average_precision",
            "class scores",
            aggregation="average_precision",
            library="scikit-learn",
        ),
        Metric("mos", "mos", "ratings", unit="points", low=None, high=None),
        Metric("mushra", "mushra", "ratings", unit="points", low=None, high=None),
        Metric(
            "krippendorff",
            "krippendorff_alpha",
            "ratings",
            "coefficient",
            None,
            1.0,
            aggregation="krippendorff_alpha",
            library="krippendorff",
        ),
        Metric("ndcg", "ndcg", "ranking", worst=True, takes_k="needed"),
        Metric("recall", "recall", "ranking", worst=True, takes_k="needed"),
        Metric("mrr", "mrr", "ranking", worst=True, takes_k="optional"),
        Metric("map", "map", "ranking", worst=True, takes_k="optional"),
        Metric("precision", "precision", "ranking", worst=True, takes_k="needed"),
        Metric("win-rate", "win_rate", "votes"),
        Metric("lc-win-rate", "lc_win_rate", "votes", aggregation="length_controlled_win_rate", library="statsmodels"),
        Metric(
            "bradley-terry",
            "bradley_terry",
            "votes",
            "logits",
            None,
            None,
            aggregation="bradley_terry",
            library="choix",
        ),
        Metric("elo", "elo", "votes", "points", None, None, aggregation="elo", takes_k="needed"),
        Metric("pesq", "pesq", "audio", "points", -0.5, 4.65, library="pesq"),
        Metric("stoi", "stoi", "audio", "coefficient", -1.0, 1.0, library="pystoi"),
        Metric("estoi", "estoi", "audio", "coefficient", -1.0, 1.0, library="pystoi"),
        Metric("toxicity", "toxicity", "plain", lower_is_better=True, library="transformers"),
    )
}


SHORT_METRICS = {"acc": "accuracy", "em": "exact-match"}  # short for one metric alone


def parse_metric(text: str) -> Metric:
    """A metric of the command line: "ndcg@10" -> ndcg_at_10 with k=10. ScriptError: 2 unknown, 3 ambiguous."""
    base, _, digits = text.strip().lower().replace("_", "-").partition("@")
    base = SHORT_METRICS.get(base, base)
    metric = METRICS.get(base)
    if metric is None:
        several = [name for name in METRICS if name.startswith(f"{base}-")]
        if several:
            raise ScriptError(f"--metric {text}: which one? {', '.join(several)}", code=3)
        raise ScriptError(f"--metric {text}: there is no such metric{nearest(base, METRICS) or '; see --help'}")
    if bool(metric.takes_k) < bool(digits) or ("@" in text and not re.fullmatch(r"[1-9]\d{0,5}", digits)):
        raise ScriptError(f"--metric {text}: write {base}@10" if metric.takes_k else f"--metric {text}: write {base}")
    if metric.takes_k == "needed" and not digits:
        raise ScriptError(f"--metric {text}: a number is missing, for instance {base}@10")
    if not digits:
        return metric
    id = metric.id if base == "elo" else f"{metric.id}_at_{digits}"
    return replace(metric, name=f"{base}@{digits}", id=id, k=int(digits))


# --- parts/metrics/items.py -------------------------------------------------------------------------------------------

FEW_CLUSTERS = 12  # of votes: below, their clusters are few
SHOWN_PROBLEMS = 5
PROBABILITIES_SUM = 1e-3  # how far from 1 the probabilities of an item may add up
COMMON_FIELDS = {"prompt": {str, type(None)}, "group": {str, int, type(None)}, "attempt": {str, int}}
MISSING_WORDS = ("", "NA", "N/A", "NaN", "nan", "null", "None")  # of a rating that is a word, as tables write them
READ_WORDS = (
    "id prompt group attempt prediction reference references probability probabilities score passed n c ranked "
    "relevant ratings rating rater item system a b model_a model_b winner preference length_a length_b "
    "output_a output_b audio reference_audio conversation_a conversation_b prompt_hash statistics epoch repeat "
    "orders attempts scored attempt_values numerator denominator limit_hit opponent confidence cluster_id outcome"
)
READ_FIELDS = frozenset(READ_WORDS.split())
MOST_FIELDS = 20
TIES = ("tie", "draw", "bothbad", "tiebothbad", "bothgood", "tiebothgood")  # without signs: "both bad", "tie (bothbad)"
# How the columns of votes are called by which votes go together.
VOTE_ROLES = {
    "group": re.compile(r"(?i)(prompt|question|item|instruction|query|conversation)[ _-]?id"),
    "rater": re.compile(
        r"(?i)(rater|judge|annotator|user|voter|worker|participant|evaluator|assessor)([ _-]?(id|name))?"
    ),
}
TRUE_WORDS, FALSE_WORDS = {"1", "true"}, {"0", "false"}
# What harnesses that run code say of a solution: right, out of time (a failure), another failure, their own failure.
OUTCOMES = re.compile(
    r"(?P<right>pass|passed|accepted|correct)|(?P<done>ok|success|succeeded)|"
    r"(?P<late>timed?[ _-]?out\b.*|time[ _-]?limit\b.*|tle)"
    r"|(?P<broken>(?:test[ _-]?)?runner ?error\b.*)|(?P<wrong>fail(?:ed|ure)?\b.*|wrong\b.*|incorrect|"
    r"(?:run[ _-]?time|compil\w+|syntax)[ _-]?error\b.*|exception\b.*)",
    re.IGNORECASE | re.DOTALL,
)


def is_finite(value: Any) -> bool:
    """Whether a JSON value is a number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def kind_of(value: Any) -> str:
    """What a JSON value is, in words."""
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def field_of(fields: Mapping[str, Any], name: str) -> Any:
    """A field that must be there; null is a value."""
    if name not in fields:
        raise ValueError(f"no {name!r}")
    return fields[name]


def text_of(value: Any, name: str) -> str | None:
    """A text, number, truth value or null as text or None: 3.0 -> "3", true -> "true"."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(int(value)) if float(value).is_integer() else repr(value)
    more = f"; of several labels: {LABEL_LINES}" if isinstance(value, list) else ""
    raise ValueError(f"{name} is {kind_of(value)}, not a text, a number or null{more}")


def name_of(value: Any, name: str) -> str:
    """A name: a text that is not blank, or a whole number. However it was typed, é is one letter."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name} is {kind_of(value) if value != '' else 'empty'}, not a name")
    return unicodedata.normalize("NFC", value)


def share_of(value: Any, name: str) -> float:
    """A number of 0 to 1."""
    if not is_finite(value) or not 0 <= value <= 1:
        raise ValueError(f"{name} is {json.dumps(value)[:40]}, not a number of 0 to 1")
    return float(value)


def composed(text: str, choices: Choices) -> str:
    """A text in the form of Unicode that is asked for, so that é is é however it was typed."""
    return text if choices.form is None or text.isascii() else unicodedata.normalize(choices.form, text)


def said_text(value: Any, choices: Choices) -> tuple[str | None, str | None]:
    """(a prediction as text, the answer in it): without thinking, None where that was not finished, and parsed."""
    raw = text_of(value, "prediction")
    if raw is None:
        return None, None
    answer: str | None = composed(raw, choices)
    if choices.tags is not None and any(tag in answer for tag in choices.tags):
        _, left = split_reasoning(answer, choices.tags)
        unfinished = answer.rfind(choices.tags[0]) > answer.rfind(choices.tags[1])
        answer = None if unfinished and not left.strip() else left
    return raw, parsed(answer, choices.pattern)


def few_rater_notes(lines: Sequence[Line]) -> list[str]:
    """What is said of votes whose few raters make few clusters: by which column, and how another one is named."""
    votes = [line.fields for line in lines if {"winner", "preference"} & line.fields.keys()]
    column = next((name for name in ("rater", "judge") if votes and name in votes[0]), None)
    raters = {str(fields.get(column)) for fields in votes} if column else set()
    if not 1 < len(raters) < FEW_CLUSTERS:
        return []
    other = next((name for name in votes[0] if VOTE_ROLES["group"].fullmatch(name)), "COLUMN")
    return [
        f"the votes of one {column} count together: {len(raters)} clusters, so the intervals are wide; where votes of "
        f"one are independent, name what others share: --map rater={other}"
    ]


def with_vote_roles(lines: list[Line], said: Collection[str]) -> list[Line]:
    """Votes with the group and the rater that columns of such names say, where their values repeat and nobody has said
    (by --map, or as "judge") what these are."""
    for role, pattern in VOTE_ROLES.items():
        names = {} if role in said else dict.fromkeys(name for line in lines for name in line.fields)
        own = [name for name in names if pattern.fullmatch(name) and 1 < repeated(lines, name) < len(lines)]
        if len(own) == 1 and not any(role in line.fields or (role == "rater" and own == ["judge"]) for line in lines):
            lines = [line._replace(fields={**line.fields, role: str(line.fields[own[0]])}) for line in lines]
    return lines


def repeated(lines: Sequence[Line], name: str) -> int:
    """How many texts or whole numbers a field has, of which each line has one; else 0."""
    values = [line.fields.get(name) for line in lines]
    return 0 if any(isinstance(value, bool) or not isinstance(value, str | int) for value in values) else len({*values})


def unused_notes(lines: Sequence[Line], said: Collection[str]) -> list[str]:
    """What is said of columns of votes whose values repeat and that count nowhere: votes may go together by them."""
    fields = lines[0].fields
    known = {*fields, *said, *(["rater"] if "judge" in fields else [])}
    roles = [role for role in VOTE_ROLES if role not in known]
    used = {str(fields[role]) for role in VOTE_ROLES if role in fields}
    names = [name for name in fields if name not in READ_FIELDS and name != "judge" and str(fields[name]) not in used]
    names = [name for name in names if 1 < 2 * repeated(lines, name) <= len(lines) and repeated(lines, name) > 1]
    if not roles or not names:
        return []
    ways = " or ".join(f"--map {role}={name}" for role in roles for name in names[:1])
    return [f"columns with repeated values that count nowhere: {listing(names)}; if votes share them: {ways}"]


def thinking_notes(lines: Sequence[Line], choices: Choices) -> list[str]:
    """What is said of thinking that was left out."""
    if choices.tags is None:
        return []
    texts = [text for line in lines if isinstance(text := line.fields.get("prediction"), str)]
    held = [text for text in texts if any(tag in text for tag in choices.tags)]
    if not held:
        return []
    open_ended = sum(said_text(text, replace(choices, pattern=None))[1] is None for text in held)
    words = f"; {open_ended} did not end it: unparsed" if open_ended else ""
    return [f"{len(held)} predictions hold thinking ({' '.join(choices.tags)}), which is not scored{words}"]


def references_of(fields: Mapping[str, Any], choices: Choices) -> tuple[str, ...]:
    """The references of a line; there must be at least one."""
    only = fields.get("reference")
    if type(only) is str and "references" not in fields:
        return (composed(only, choices),)
    if "references" in fields:
        if "reference" in fields:
            raise ValueError("both 'reference' and 'references'")
        many = fields["references"]
        if not isinstance(many, list) or not many:
            raise ValueError("references is no list with at least one entry")
    else:
        many = [field_of(fields, "reference")]
    found = tuple(text_of(reference, "reference") for reference in many)
    if None in found:
        raise ValueError("a reference is null")
    return tuple(composed(text, choices) for text in found)


def parsed(text: str | None, pattern: re.Pattern[str] | None) -> str | None:
    """The answer in a text: the last match of --parse (its first group, if it has one); None when there is none."""
    if text is None or pattern is None:
        return text
    match = None
    for match in pattern.finditer(text):  # noqa: B007
        pass
    return None if match is None else match[1] if pattern.groups else match[0]


def make_item(
    line: Line, value: Any, references: tuple[str, ...] = (), outputs: tuple[str, ...] = (), id: str | None = None
) -> Item:
    """An item with what every line may say: prompt, group, attempt. Attempts at one item go together."""
    fields = line.fields
    attempt = text_of(fields.get("attempt"), "attempt")
    group = fields.get("group")
    group = (line.id if attempt is not None else None) if group is None else unicodedata.normalize("NFC", str(group))
    more = other_fields(fields)
    return Item(line.number, id or line.id, group, attempt, fields.get("prompt"), references, outputs, value, more)


def other_fields(fields: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """What a line says beside what metrics read, in short values: they can break a comparison down, or group items."""
    names = fields.keys() - READ_FIELDS
    if not names:
        return ()
    kept = [name for name in sorted(names) if isinstance(fields[name], str | int | float) and len(name) <= 64]
    return tuple((name, text_of(fields[name], name)[:200]) for name in kept[:MOST_FIELDS])


def read_text(line: Line, choices: Choices) -> list[Item]:
    """Prediction and references."""
    references = references_of(line.fields, choices)
    raw, answer = said_text(field_of(line.fields, "prediction"), choices)
    return [make_item(line, answer, references, () if raw is None else (raw,))]


def read_plain(line: Line, choices: Choices) -> list[Item]:
    """A prediction without a reference."""
    raw, answer = said_text(field_of(line.fields, "prediction"), choices)
    return [make_item(line, answer, (), () if raw is None else (raw,))]


def read_forecast(line: Line, choices: Choices) -> list[Item]:
    """A probability of each class, of the prediction, or (without a prediction) of the positive class."""
    fields = line.fields
    references = references_of(fields, choices)
    if "probabilities" in fields:
        if len(references) > 1:
            raise ValueError("several references; a class has one")
        shown = fields["probabilities"]
        forecast = None if shown is None else class_forecast(shown, references[0].strip(), choices)
        return [make_item(line, forecast, references, () if shown is None else (json.dumps(shown),))]
    p = field_of(fields, "probability")
    if "prediction" in fields:
        raw, answer = said_text(fields["prediction"], choices)
        right = answer is not None and any(answer.strip() == reference.strip() for reference in references)
        missing = p is None or answer is None
        outputs = () if raw is None else (raw,)
        about = "the prediction"
    else:
        right, missing = is_positive(references, choices.positive), p is None
        outputs = () if p is None else (repr(p),)
        about = "the positive class"
    forecast = None if missing else event_forecast(about, share_of(p, "probability"), right)
    return [make_item(line, forecast, references, outputs)]


def number_in(value: Any, choices: Choices) -> float | None:
    """The number that a prediction is, or that --parse finds in it; None where it holds none."""
    _, text = said_text(value, choices)
    try:
        number = math.nan if text is None else float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def read_numbers(line: Line, choices: Choices) -> list[Item]:
    """(number said, number wanted) of a line, as for similarities and ratings of quality."""
    (reference, *more) = references_of(line.fields, choices)
    wanted = number_in(reference, replace(choices, pattern=None))
    if wanted is None or more:
        raise ValueError(f"the reference {reference[:40]!r} is not one number")
    raw = field_of(line.fields, "prediction")
    said = number_in(raw, choices)
    outputs = () if raw is None else (text_of(raw, "prediction"),)
    return [make_item(line, None if said is None else (said, wanted), (reference,), outputs)]


def read_class_scores(line: Line, choices: Choices) -> list[Item]:
    """(score of the positive class, whether it was): "score", any number, or "probability"."""
    fields, references = line.fields, references_of(line.fields, choices)
    name = "score" if "score" in fields else "probability"
    score = field_of(fields, name)
    if score is not None and not is_finite(score):
        raise ValueError(f"{name} is {kind_of(score)}, not a finite number")
    value = None if score is None else (float(score), float(is_positive(references, choices.positive)))
    return [make_item(line, value, references, () if score is None else (repr(score),))]


def event_forecast(about: str, p: float, right: bool) -> Forecast:
    """The forecast of something that happened or not."""
    return Forecast(about, p, right, p if right else 1 - p, (p - right) ** 2)


def class_forecast(shown: Any, reference: str, choices: Choices) -> Forecast:
    """The forecast of one of several classes: its confidence is that of the likeliest, of equals the first by name."""
    if isinstance(shown, list):
        shown = {str(i): p for i, p in enumerate(shown)}
    if not isinstance(shown, dict) or len(shown) < 2:
        raise ValueError("probabilities is neither an object nor a list of at least two numbers")
    shown = {composed(label, choices): p for label, p in shown.items()}
    chances = {label.strip(): share_of(p, f"the probability of {label!r}") for label, p in shown.items()}
    if abs(math.fsum(chances.values()) - 1) > PROBABILITIES_SUM:
        raise ValueError(f"probabilities add up to {math.fsum(chances.values()):.6g}, not to 1")
    if reference not in chances:
        raise ValueError(f"probabilities has no {reference!r}, the reference")
    top = min(chances, key=lambda label: (-chances[label], label))
    squared = math.fsum((p - (label == reference)) ** 2 for label, p in chances.items())
    return Forecast("each class", chances[top], top == reference, chances[reference], squared)


def is_positive(references: Sequence[str], positive: str | None) -> bool:
    """Whether what was forecast has happened: the reference is --positive, else 1 or true and not 0 or false."""
    word = references[0].strip()
    if positive is not None:
        return word == positive
    if len(references) > 1 or word.lower() not in TRUE_WORDS | FALSE_WORDS:
        raise ValueError(f"reference {word!r} is neither 0 nor 1; say with --positive which one has the probability")
    return word.lower() in TRUE_WORDS


def read_attempts(line: Line, choices: Choices) -> list[Item]:
    """(n, c, unknown, late, broken) of a task: how often it was tried and solved; an attempt with null has no known
    outcome unless its harness says one in words. Late and broken ones are among the n that were not solved."""
    fields = line.fields
    if fields.get("passed") is None and ("passed" not in fields or "n" in fields or "c" in fields):
        n, c = (field_of(fields, name) for name in ("n", "c"))
        if not all(isinstance(x, int) and not isinstance(x, bool) for x in (n, c)) or not 0 <= c <= n or n < 1:
            raise ValueError(f"n = {json.dumps(n)}, c = {json.dumps(c)}: whole numbers with 0 <= c <= n are expected")
        return [make_item(line, (n, c, 0, 0, 0))]
    passed = fields["passed"] if isinstance(fields["passed"], list) else [fields["passed"]]
    said = fields.get("outcome", fields.get("result", fields.get("status")))
    said = said if isinstance(said, list) and len(said) == len(passed) else [said if len(passed) == 1 else None]
    said = said if len(said) == len(passed) else said * len(passed)
    if not passed or not all(outcome is None or isinstance(outcome, bool | str) for outcome in passed):
        raise ValueError("passed is neither true, false or null nor a list of these")
    outcomes = [outcome_of(*pair) for pair in zip(passed, said, strict=True)]
    kinds = [kind for _, kind in outcomes]
    right = [outcome for outcome, _ in outcomes]
    counted = {"n": len(right), "c": right.count(True)}
    for name, count in counted.items():
        if fields.get(name) is not None and fields[name] != count:
            raise ValueError(f"{name} is {json.dumps(fields[name])[:20]}, but passed has {count}")
    unknown = 0 if choices.unparsed_as_wrong else right.count(None)
    late, broken = kinds.count("late"), kinds.count("broken")
    return [make_item(line, (len(right) - unknown, right.count(True), unknown, late, broken))]


def outcome_of(passed: bool | str | None, said: Any) -> tuple[bool | None, str | None]:
    """(whether a solution passed, its kind in OUTCOMES): by `passed`, and the words of the harness beside it.

    A timeout is a failure of the solution: null beside "timed out" is no unknown outcome.
    """
    words = passed if isinstance(passed, str) else said if isinstance(said, str) else ""
    found = OUTCOMES.fullmatch(words.strip())
    kind = found.lastgroup if found else None
    if isinstance(passed, str) and kind is None:
        raise ValueError(f"passed is neither true, false or null but {json.dumps(passed)[:40]}: which of them is it?")
    if isinstance(passed, str):
        return kind in ("right", "done"), kind
    if kind in (None, "done"):  # that its run went well says nothing of the solution
        return passed, None
    if passed is not None and passed != (kind == "right"):
        raise ValueError(f"passed is {json.dumps(passed)}, but its harness says {json.dumps(words)[:40]}")
    return kind == "right", kind


def pooled_attempts(items: Iterable[Item]) -> list[Item]:
    """One item for each task: the attempts of several lines together; None when no outcome is known."""
    found: dict[str, Item] = {}
    for item in items:
        first = found.setdefault(item.id, item)
        if first is not item:
            found[item.id] = first._replace(value=tuple(map(sum, zip(first.value, item.value, strict=True))))
    return [item._replace(attempt=None, group=None if item.group == item.id else item.group) for item in found.values()]


def read_ranking(line: Line, choices: Choices) -> list[Item]:
    """(ranked ids, {relevant id: grade}) of a query; its references are the documents with a grade above 0."""
    ranked, relevant = field_of(line.fields, "ranked"), field_of(line.fields, "relevant")
    if not isinstance(ranked, list | None) or not isinstance(relevant, dict | list):
        raise ValueError("ranked is no list of ids, or relevant neither a list of ids nor an object of id to grade")
    relevant = relevant if isinstance(relevant, dict) else dict.fromkeys(relevant, 1)
    grades = {name_of(name, "a relevant id"): grade for name, grade in relevant.items()}
    if not all(is_finite(grade) and grade >= 0 for grade in grades.values()):
        raise ValueError("a grade of relevance is no number of at least 0")
    grades = {name: float(grade) for name, grade in sorted(grades.items()) if grade > 0}
    references = tuple(json.dumps(pair) for pair in grades.items())
    if ranked is None:
        return [make_item(line, None, references)]
    names = tuple(name_of(name, "a ranked id") for name in ranked)
    if len(set(names)) < len(names):
        raise ValueError("ranked names a document twice")
    return [make_item(line, (names, grades), references, names)]


def read_ratings(line: Line, choices: Choices) -> list[Item]:
    """The ratings of a line: one, or all that an item got. A null is a rating that was not given."""
    fields = line.fields
    item = name_of(fields.get("item", line.id), "item")
    system = None if fields.get("system") is None else name_of(fields["system"], "system")
    if "rating" in fields:
        rater = None if fields.get("rater") is None else name_of(fields["rater"], "rater")
        given = [(rater, rater or line.id, fields["rating"])]
    else:
        ratings = field_of(fields, "ratings")
        if not isinstance(ratings, dict | list) or not ratings:
            raise ValueError("ratings is neither a list nor an object of rater to rating, or it is empty")
        pairs = ratings.items() if isinstance(ratings, dict) else ((None, rating) for rating in ratings)
        given = [(rater, rater or str(i), rating) for i, (rater, rating) in enumerate(pairs, start=1)]
    return [rating_item(line, Rating(item, rater, system, value), place) for rater, place, value in given]


def rating_item(line: Line, rating: Rating, place: str) -> Item:
    """One rating as an item, named after what was rated and by whom, so that it has the same name for every model."""
    if rating.value is not None and not isinstance(rating.value, str) and not is_finite(rating.value):
        raise ValueError(f"a rating is {kind_of(rating.value)}, not a number, a text or null")
    if isinstance(rating.value, str):
        word = unicodedata.normalize("NFC", rating.value).strip()
        rating = rating._replace(value=None if word in MISSING_WORDS else word)
    shown = () if rating.value is None else (str(rating.value),)
    value = None if rating.value is None else rating
    item = make_item(line, value, (), shown, id=f"{rating.item}/{place}")
    more = (*item.more, ("system", rating.system)) if value is None and rating.system else item.more
    return item._replace(group=item.group or rating.item, more=more)


def read_votes(line: Line, choices: Choices) -> list[Item]:
    """A vote between two models."""
    fields = line.fields
    a, b = (name_of(fields.get(f"model_{side}") if fields.get(side) is None else fields[side], side) for side in "ab")
    if a == b:
        raise ValueError(f"a and b are both {a!r}")
    if "preference" not in fields and "winner" not in fields:
        raise ValueError("neither 'preference' nor 'winner'")
    lengths = [length_of(fields, side) for side in ("a", "b")]
    longer = None if None in lengths else lengths[0] - lengths[1]
    preference, winner = fields.get("preference"), fields.get("winner")
    share = None if preference is None else share_of(preference, "preference")
    if winner is not None:
        winner = unicodedata.normalize("NFC", winner) if isinstance(winner, str) else winner
        won = share_of_winner(winner, a, b)
        if share is not None and (share > 0.5) - (share < 0.5) != (won > 0.5) - (won < 0.5):
            raise ValueError(f"winner is {single_line(winner)[:40]!r}, but preference is {share:g}")
        share = won if share is None else share
    rater = fields.get("rater", fields.get("judge"))  # "judge": so the votes of Chatbot Arena say it
    rater = None if rater is None else name_of(rater, "rater")
    orders = fields["orders"] if fields.get("orders") in ("both", "unknown") else ""
    value = None if share is None else Vote(a, b, share, longer, rater, orders)
    said = winner if preference is None else preference
    return [make_item(line, value, (), () if said is None else (str(said),))]


def share_of_winner(winner: Any, a: str, b: str) -> float:
    """1 where `a` has won, 0 where `b` has, 0.5 for a tie, by side or by name."""
    word = winner.strip().lower() if isinstance(winner, str) else winner
    if word in ("a", "model_a") or winner == a:
        return 1.0
    if word in ("b", "model_b") or winner == b:
        return 0.0
    if isinstance(word, str) and re.sub(r"[\W_]+", "", word) in TIES:
        return 0.5
    raise ValueError(f"winner is {json.dumps(winner)[:40]}, not a, b, model_a, model_b, one of their names, or a tie")


def length_of(fields: Mapping[str, Any], side: str) -> float | None:
    """The length of an answer: as given, else the characters of its text; None when neither is there."""
    if f"length_{side}" in fields:
        length = fields[f"length_{side}"]
        if not is_finite(length) or length < 0:
            raise ValueError(f"length_{side} is {json.dumps(length)[:40]}, not a number of at least 0")
        return float(length)
    output = fields.get(f"output_{side}")
    if not isinstance(output, str | None):
        raise ValueError(f"output_{side} is {kind_of(output)}, not a text")
    return None if output is None else float(len(output))


def read_audio(line: Line, choices: Choices) -> list[Item]:
    """The paths of two recordings, which are meant from the folder of the predictions file on."""
    reference = field_of(line.fields, "reference_audio")
    audio = field_of(line.fields, "audio")
    if not isinstance(reference, str) or not isinstance(audio, str | None):
        raise ValueError("audio or reference_audio is no path")
    value = None if audio is None else (choices.folder / audio, choices.folder / reference)
    return [make_item(line, value, (reference,), () if audio is None else (audio,))]


def read_any(line: Line, choices: Choices) -> list[Item]:
    """A line for a custom metric: its fields, with the prediction parsed; null when that is what the prediction is."""
    fields = dict(line.fields)
    references = references_of(fields, choices) if {"reference", "references"} & set(fields) else ()
    if "prediction" not in fields:
        return [make_item(line, fields, references)]
    if isinstance(fields["prediction"], dict | list):
        return [make_item(line, fields, references, (json.dumps(fields["prediction"]),))]
    raw, answer = said_text(fields["prediction"], choices)
    if choices.pattern is not None or isinstance(fields["prediction"], str):
        fields["prediction"] = answer
    value = None if fields["prediction"] is None else fields
    return [make_item(line, value, references, () if raw is None else (raw,))]


READERS: dict[str, Callable[[Line, Choices], list[Item]]] = {
    "text": read_text,
    "plain": read_plain,
    "forecast": read_forecast,
    "numbers": read_numbers,
    "class scores": read_class_scores,
    "attempts": read_attempts,
    "ranking": read_ranking,
    "ratings": read_ratings,
    "votes": read_votes,
    "audio": read_audio,
    "any": read_any,
}


def items_of(lines: Sequence[Line], family: str, choices: Choices) -> list[Item]:
    """The items of a family of metrics; ScriptError with the numbers of the lines that hold none."""
    reader, items, problems = READERS[family], [], []
    for line in choices.watch(lines, f"reading {family}"):
        try:
            items += reader(line, choices)
        except ValueError as error:
            problems.append((line.number, str(error)))
    if family in ("ratings", "votes"):
        problems += rated_twice(items) if family == "ratings" else []
        problems += unrated(items)
    check_problems(problems)
    if family == "text":
        check_truth_words(lines, items)
    if family == "attempts":
        items = [item if item.value[0] else item._replace(value=None) for item in pooled_attempts(items)]
    return items if family in ("ratings", "audio") else with_prompt_groups(items)


def with_prompt_groups(items: list[Item]) -> list[Item]:
    """Items of one prompt as a group, where nobody has named groups: they are not independent of one another.

    A prompt that all items share says nothing: what tells them apart is elsewhere (an image, a file).
    """
    asked: dict[str, set[str]] = defaultdict(set)
    for item in items:
        if item.group not in (None, item.id):
            return items
        if item.prompt:
            asked[item.prompt].add(item.id)
    if len(asked) < 2 or all(len(own) < 2 for own in asked.values()):
        return items
    first = {prompt: min(own) for prompt, own in asked.items()}
    return [item._replace(group=first.get(item.prompt or "", item.id)) for item in items]


def check_truth_words(lines: Sequence[Line], items: Sequence[Item]) -> None:
    """ScriptError(code=3) where references are JSON's true and false, and answers are written otherwise."""
    if not any(isinstance(line.fields.get("reference"), bool) for line in lines):
        return
    other = sorted({
        item.value for item in items
        if item.value is not None and item.value.strip().lower() in ("true", "false", "yes", "no", "1", "0")
        and item.value.strip() not in ("true", "false")
    })  # fmt: skip
    if other:
        raise ScriptError(
            f"references are true and false, answers are written {listing(other)}: are these equal? Write the "
            "references as the answers are, as texts",
            code=3,
        )


def rated_twice(items: Iterable[Item]) -> list[tuple[int, str]]:
    """What one rater has rated more than once."""
    first: dict[tuple[str, str | None], int] = {}
    problems = []
    for item in items:
        if item.value is None:
            continue
        before = first.setdefault((item.id, item.value.system), item.line)
        if before != item.line:
            problems.append((item.line, f"{item.id} is rated again, after line {before}"))
    return problems


def unrated(items: Iterable[Item]) -> list[tuple[int, str]]:
    """The lines without a rater where others have one: what a rater's judgements share would be lost for all."""
    known = [item for item in items if item.value is not None]
    without = [item for item in known if item.value.rater is None]
    return [(i.line, "no 'rater', though other lines have one") for i in without] if len(without) < len(known) else []


def check_problems(problems: Sequence[tuple[int, str]]) -> None:
    """ScriptError naming the first bad lines, those with one and the same problem together."""
    if not problems:
        return
    found: dict[str, list[int]] = defaultdict(list)
    for number, text in sorted(problems)[:SHOWN_PROBLEMS]:
        found[single_line(text)[:240]].append(number)
    shown = [f"line{'s' * (len(own) > 1)} {', '.join(map(str, own))}: {text}" for text, own in found.items()]
    more = f" (and {len(problems) - SHOWN_PROBLEMS} more bad lines)" if len(problems) > SHOWN_PROBLEMS else ""
    raise ScriptError("; ".join(shown) + more)


def check_line(fields: Any, seen: dict[Any, int], number: int) -> Line:
    """A line from its JSON value; ValueError for what no metric could use. seen: the line of each id (and attempt)."""
    if not isinstance(fields, dict):
        raise ValueError(f"{kind_of(fields)}, not an object")
    id = name_of(field_of(fields, "id"), "id")
    before = seen.setdefault((id, str(fields["attempt"])) if "attempt" in fields else id, number)
    if before != number:
        raise ValueError(
            f'id {id!r} again, after line {before}; several answers to one item need an "attempt" each, those of '
            "several models: --map system=COLUMN --system NAME"
        )
    for name in COMMON_FIELDS.keys() & fields.keys():
        if type(fields[name]) not in COMMON_FIELDS[name]:
            raise ValueError(f"{name} is {kind_of(fields[name])}")
    return Line(number, id, fields)


def other_prompts(lines: Sequence[Line]) -> list[tuple[int, str]]:
    """The attempts at an item that were asked with another prompt than its first one."""
    first: dict[str, Line] = {}
    problems = []
    for line in lines:
        before = first.setdefault(line.id, line)
        if before is not line and before.fields.get("prompt") != line.fields.get("prompt"):
            problems.append((line.number, f"{line.id} was asked with another prompt in line {before.number}"))
    return problems


def ungrouped(lines: Sequence[Line]) -> list[tuple[int, str]]:
    """The lines without a group where others have one."""
    without = [line.number for line in lines if line.fields.get("group") is None]
    return (
        [] if len(without) == len(lines) else [(number, "no group, though other lines have one") for number in without]
    )


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


# --- parts/metrics/answers.py -----------------------------------------------------------------------------------------

# Of the evaluation that made the answers: what would make it pass for finished, or is said anew.
NOT_KEPT = ("command", "settings_hash", "task_request", "task_group")


@dataclass(frozen=True)
class KeptAnswers:
    """The answers of a record's first result. rows: each item's own line, by its id."""

    record: Mapping[str, Any]
    result: Mapping[str, Any]
    lines: list[Line]
    rows: Mapping[str, Mapping[str, Any]]
    file: Path
    sha256: str

    @property
    def subject(self) -> Subject:
        return Subject(str(self.record["model_info"]["id"]), {})

    @property
    def shots(self) -> int | None:
        return count_in(str(self.details.get("few_shot")))

    @property
    def details(self) -> Mapping[str, Any]:
        return (self.result.get("generation_config") or {}).get("additional_details") or {}

    def told(self, record: dict[str, Any]) -> dict[str, Any]:
        """A record of new scores, with what the evaluation said of the model, the items and how they were asked."""
        old, library = self.record, self.record["eval_library"]
        kept = {k: v for k, v in (library.get("additional_details") or {}).items() if k not in NOT_KEPT}
        more = strings({"answers_by": f"{library['name']} {library['version']}", "source_file": self.file.name})
        details = kept | record["eval_library"]["additional_details"] | more
        asked = self.result.get("generation_config") or {}
        results = [
            row
            | {
                "source_data": self.result["source_data"],
                "generation_config": asked
                | {"additional_details": {**self.details, **row["generation_config"]["additional_details"]}},
            }
            for row in record["evaluation_results"]
        ]
        when = {"evaluation_timestamp": old.get("evaluation_timestamp") or record["evaluation_timestamp"]}
        library = record["eval_library"] | {"additional_details": details}
        return record | when | {
            "model_info": old["model_info"], "eval_library": library, "evaluation_results": results
        }  # fmt: skip

    def told_sample(self, row: dict[str, Any]) -> dict[str, Any]:
        """A line of samples with the item as it was asked: its input, its hashes."""
        old = self.rows[row["sample_id"]]
        asked = {name: old[name] for name in ("sample_hash", "input") if name in old}
        item = {name: text for name, text in (old.get("metadata") or {}).items() if name not in READ_FIELDS}
        return row | asked | {"metadata": {**item, **row["metadata"], **prompt_hash(old)}}


def prompt_hash(row: Mapping[str, Any]) -> dict[str, str]:
    """The hash of the prompt as it was sent."""
    found = (row.get("metadata") or {}).get("prompt_hash")
    return {"prompt_hash": found} if found else {}


def kept_answers(path: Path) -> KeptAnswers | None:
    """The answers that lie beside a record, which is named by its own file or by that; None for any other file.

    ScriptError where they are not there, or damaged.
    """
    file = path.with_name(f"{path.name.removesuffix('_samples.jsonl')}.json")
    file = file if path.name.endswith("_samples.jsonl") and file.is_file() else path
    if file.suffix != ".json" or not file.is_file():
        return None
    record = read_record(file)
    if record is None:
        return None
    if record.get("failure"):
        raise ScriptError("this task failed, so there are no answers")
    found = read_sample_lines(file, record, whole=True)
    result = record["evaluation_results"][0]
    lines = (found or {}).get(single_line(result.get("evaluation_result_id") or ""))
    if not lines:
        raise ScriptError(f"a record without its answers: {samples_path(file).name} is not beside it, or has none")
    rows = [line.row for line in lines]
    digest = hashlib.sha256(input_bytes(samples_path(file))).hexdigest()
    return KeptAnswers(record, result, lines_of(rows), {str(row["sample_id"]): row for row in rows}, file, digest)


def lines_of(rows: list[dict[str, Any]]) -> list[Line]:
    """One line for each answer; several answers to an item are attempts."""
    lines, seen, problems = [], {}, []
    ids = [str(row.get("sample_id")) for row in rows]
    several = len(set(ids)) < len(ids) or any(len(row["output"]["raw"]) > 1 for row in rows)
    told: dict[str, int] = {}
    for number, (id, row) in enumerate(zip(ids, rows, strict=True), 1):
        answers = row["output"]["raw"] or [None]
        for answer in [None] if row.get("error") else answers:
            fields = {"id": id, "prompt": row["input"].get("raw"), "references": row["input"].get("reference") or [""]}
            fields |= {"prediction": answer} | (
                {"choices": row["input"]["choices"]} if row["input"].get("choices") else {}
            )
            told[id] = told.get(id, 0) + 1
            fields |= {"attempt": str(told[id])} if several else {}
            fields |= {"group": cluster} if (cluster := cluster_of(row)) else {}
            try:
                lines.append(check_line(fields, seen, number if not several else len(lines) + 1))
            except ValueError as error:
                problems.append((number, str(error)))
    check_problems(problems)
    if any("group" in line.fields for line in lines):
        for line in lines:
            line.fields.setdefault("group", line.id)
    return lines


def cluster_of(row: Mapping[str, Any]) -> str | None:
    """What an item shares with others, where its line says it."""
    metadata = row.get("metadata") or {}
    return next((str(metadata[name]) for name in CLUSTER_FIELDS if metadata.get(name)), None)


# --- parts/metrics/judged_files.py ------------------------------------------------------------------------------------

ARENA_HARD = (
    "Arena-Hard's judgements, of which >> counts three times: its show_result.py reads them; here give votes: id, a, "
    "b, winner, group (the question)"
)


def judge_of(fields: Mapping[str, Any]) -> str:
    """The judging model: MT-Bench has it with the name of its prompt."""
    judge = fields.get("judge", fields.get("annotator"))
    return str(judge[0] if isinstance(judge, list) and judge else judge)


def judged_row(fields: Mapping[str, Any], tried: Counter[str]) -> dict[str, Any] | None:
    """A judgement or vote as a row; None for any other row. ValueError for values that none of the programs writes."""
    asked = "/".join(str(fields[name]) for name in ("question_id", "turn") if fields.get(name) is not None)
    if "games" in fields and "question_id" in fields:
        raise ValueError(ARENA_HARD)
    if {"g1_winner", "g2_winner", "model_1", "model_2"} <= fields.keys():
        return mt_bench_pair(fields, asked)
    if {"question_id", "model", "judge", "score", "turn"} <= fields.keys():
        item = f"{asked}/{judge_of(fields)}"
        score = None if fields["score"] == -1 else fields["score"]
        return {"id": f"{item}/{fields['model']}", "item": item, "system": fields["model"], "rating": score,
                "group": str(fields["question_id"])}  # fmt: skip
    if {"generator_1", "generator_2", "preference"} <= fields.keys():
        return alpaca_vote(fields)
    if {"model_a", "model_b", "winner"} <= fields.keys():
        return arena_vote(fields, asked, tried)
    return None


def mt_bench_pair(fields: Mapping[str, Any], asked: str) -> dict[str, Any]:
    """MT-Bench's two games in both orders: who wins both has won, and a game without a verdict is a missing vote."""
    sides, games = ("model_1", "model_2"), [fields["g1_winner"], fields["g2_winner"]]
    if not all(game in (*sides, "tie", "error") for game in games):
        raise ValueError(f"the winners are {str(games)[:60]}, not model_1, model_2, tie or error")
    winner = "a" if games == ["model_1"] * 2 else "b" if games == ["model_2"] * 2 else "tie"
    one, two = (fields[side] for side in sides)
    return {"id": f"{asked}/{judge_of(fields)}/{one}/{two}", "a": one, "b": two, "group": str(fields["question_id"]),
            "winner": None if "error" in games else winner, "orders": "both"}  # fmt: skip


def alpaca_vote(fields: Mapping[str, Any]) -> dict[str, Any]:
    """AlpacaEval's preference: from 1 (output_1) to 2 (output_2), 0 and 1.5 for a draw; which its judge saw first was
    drawn."""
    said = fields["preference"]
    if said is not None and (isinstance(said, bool) or not isinstance(said, int | float) or not math.isfinite(said)):
        raise ValueError(f"preference is {str(said)[:40]!r}, not a number")
    if said is not None and said != 0 and not 1 <= said <= 2:
        raise ValueError(f"preference is {said}; AlpacaEval has 1 to 2, and 0 for a draw")
    share = None if said is None else 0.5 if said == 0 else 2 - said
    prompt, one, two = str(fields.get("instruction") or ""), fields["generator_1"], fields["generator_2"]
    name = hashlib.sha256(prompt.encode(errors="replace")).hexdigest()[:16]
    row = {"id": f"{name}/{judge_of(fields)}/{one}/{two}", "prompt": prompt, "a": one, "b": two, "preference": share}
    row["orders"] = "unknown"
    texts = {f"output_{new}": fields.get(f"output_{old}") for new, old in (("a", 1), ("b", 2))}
    row |= {name: text for name, text in texts.items() if text is not None}
    return row | ({"dataset": fields["dataset"]} if isinstance(fields.get("dataset"), str) else {})


def arena_vote(fields: Mapping[str, Any], asked: str, tried: Counter[str]) -> dict[str, Any]:
    """A vote of Chatbot Arena, or of MT-Bench's people: what it is of, who voted (no judging model), its fields."""
    model = isinstance(fields.get("judge"), list)
    name = "/".join([asked or "vote", *(str(fields[side]) for side in ("model_a", "model_b")), judge_of(fields)])
    tried[name] += 1
    rest = {key: value for key, value in fields.items() if not (model and key == "judge")}
    return rest | {"id": name if tried[name] == 1 else f"{name}#{tried[name]}"}


# --- parts/metrics/code_files.py --------------------------------------------------------------------------------------

RUN_FIRST = (
    "task_id, but no 'passed': these solutions have not been run: first evaluate_functional_correctness, or "
    "evalplus.evaluate and convert_results.py"
)
NOT_GRADED = "LiveCodeBench's answers without 'graded_list': its file ..._eval_all.json (--evaluate) has what passed"
SCORES_ALONE = (
    "bigcode's scores without what each task's solutions did: publish such a number with evaluation_manager.py add"
)
NO_OUTCOMES = "solutions alone, which have not been run: bigcode's main.py --load_generations_path runs them"

LIVE_CODES = {-3: "timed out", -5: "runner error"}  # what LiveCodeBench says of a solution that failed


def rows_or_none(value: Any) -> list[Any]:
    """A list; [] for anything else."""
    return value if isinstance(value, list) else []


def error_code(said: Any) -> Any:
    """LiveCodeBench's code of why a solution failed, in an object or in the text of one."""
    if isinstance(said, str):
        with contextlib.suppress(ValueError):
            said = json.loads(said)
    return said.get("error_code") if isinstance(said, Mapping) else None


def rows_of_document(value: Any) -> Iterator[Any]:
    """The rows of a file that is one JSON value: a list of objects, or bigcode's task -> [[number, outcome], ...].

    ValueError for another object, with what reads it if that is known.
    """
    if isinstance(value, list):
        if value and all(isinstance(own, list) and own and all(isinstance(x, str) for x in own) for own in value):
            raise ValueError(NO_OUTCOMES)
        if len(value) == 3 and isinstance(value[0], Mapping) and "detail" in value[0]:
            raise ValueError(NOT_GRADED)
        yield from value
        return
    if isinstance(value, Mapping) and isinstance(value.get("results"), list):
        yield value  # MultiPL-E's file of one problem
        return
    if isinstance(value, Mapping) and isinstance(value.get("config"), Mapping):
        raise ValueError(SCORES_ALONE)
    if isinstance(value, Mapping) and isinstance(value.get("eval"), Mapping):
        raise ValueError("EvalPlus's results: scripts/convert_results.py reads them")
    tasks = value.items() if isinstance(value, Mapping) and value else ()
    if not tasks or not all(isinstance(own, list) for _, own in tasks):
        raise ValueError("one JSON object; a predictions file has one in each line, or a list of them")
    for task, own in tasks:
        for pair in own:
            outcome = pair[1] if isinstance(pair, list) and len(pair) == 2 else pair
            if not isinstance(outcome, Mapping) or "passed" not in outcome:
                raise ValueError(f"task {task}: outcomes with 'passed' are expected")
            yield {**outcome, "task_id": str(task)}


def with_own_id(fields: Any, tried: Counter[str]) -> Any:
    """A row of the code harnesses with an id, and a number for each attempt at it; any other row as it is."""
    if not isinstance(fields, Mapping) or "id" in fields:
        return fields
    if "question_id" in fields and "graded_list" in fields:  # LiveCodeBench's eval_all.json
        said = [LIVE_CODES.get(error_code(each)) for each in rows_or_none(fields.get("metadata"))]
        more = {name: fields[name] for name in ("difficulty", "platform", "contest_date") if name in fields}
        return {"id": fields["question_id"], "passed": fields["graded_list"], "outcome": said, **more}
    if "question_id" in fields and "code_list" in fields:
        raise ValueError(NOT_GRADED)
    if {"name", "language"} <= fields.keys() and isinstance(fields.get("results"), list):  # MultiPL-E
        runs = fields["results"]
        if not all(isinstance(run, Mapping) and {"status", "exit_code"} <= run.keys() for run in runs):
            raise ValueError("a result of MultiPL-E without 'status' and 'exit_code'")
        said = [str(run["status"]) for run in runs]
        right = [word == "OK" and run["exit_code"] == 0 for word, run in zip(said, runs, strict=True)]
        late = [
            None if ok else word if "time" in word.lower() else "failed" for word, ok in zip(said, right, strict=True)
        ]
        return {"id": fields["name"], "passed": right, "outcome": late, "language": fields["language"]}
    if (judged := judged_row(fields, tried)) is not None:
        return judged
    if "task_id" not in fields:
        return fields
    if "passed" not in fields and ("completion" in fields or "solution" in fields):
        raise ValueError(RUN_FIRST)
    task = str(fields["task_id"])
    row = {name: value for name, value in fields.items() if name in ("passed", "prompt", "n", "c", "prediction")}
    row |= {name: fields[name] for name in ("reference", "references", "group") if name in fields}
    row["outcome"] = fields.get("result", fields.get("status"))
    tried[task] += 1
    return {"id": task, "attempt": fields.get("attempt", tried[task] - 1), **row}


# --- parts/metrics/columns.py -----------------------------------------------------------------------------------------

# What each family of metrics needs: of each group one. An id is needed where rows have no number.
WANTED: dict[str, tuple[tuple[str, ...], ...]] = {
    "text": (("prediction",), ("reference", "references")),
    "plain": (("prediction",),),
    "forecast": (("reference", "references"), ("probability", "probabilities")),
    "numbers": (("prediction",), ("reference", "references")),
    "class scores": (("reference", "references"), ("score", "probability")),
    "attempts": (("passed", "n"),),
    "ratings": (("rating", "ratings"),),
    "ranking": (("ranked",), ("relevant",)),
    "votes": (("a", "model_a"), ("b", "model_b"), ("winner", "preference")),
    "audio": (("audio",), ("reference_audio",)),
    "any": (),
}
# How others call them: proposed in the command, for the user to say.
USUAL_COLUMNS = {
    "id": "sample_id item_id question_id uid utt_id uttid utt utterance_id key idx index qid doc_id",
    "prediction": "pred preds predicted predictions output outputs hypothesis hyp response completion generated "
    "generated_text generation model_output asr asr_output answer_pred pred_text",
    "reference": "gold label labels target ref truth ground_truth expected text transcript transcription sentence "
    "correct_answer gold_answer expected_output answer",
    "probability": "prob proba p confidence conf",
    "score": "logit logits",
    "passed": "pass success correct solved is_correct ok result status",
    "rating": "score mos stars value grade",
    "ranked": "retrieved results hits docs ranking",
    "relevant": "qrels relevance positives gold",
    "a": "left system_a",
    "b": "right system_b",
    "winner": "preferred vote choice verdict label",
    "audio": "wav path file degraded",
    "reference_audio": "clean reference target ref original",
}
ANSWER_FIELDS = {"id", "prompt", "prediction", "reference", "references", "probability", "score", "passed"}
# What --map can name.
MAPPED_WORDS = (
    "id prediction reference references prompt group attempt probability probabilities score passed n c outcome rating "
    "ratings rater item system seconds ranked relevant a b winner preference length_a length_b output_a output_b audio "
    "reference_audio"
)
COLUMN_ROLES = tuple(MAPPED_WORDS.split())
SEVERAL_COLUMNS = ("references", "ratings")  # --map references=ref1,ref2
# What tells ratings and attempts apart, as columns are called without case, signs and "id".
ROLE_WORDS = {
    "rater": "rater listener annotator judge worker participant subject user evaluator assessor person respondent "
    "panelist tester reviewer",
    "item": "item stimulus stimuli clip sample utterance utt sentence prompt question file filename audio wav trial "
    "page passage segment text doc document example source problem task",
    "system": "system voice model condition engine method variant treatment arm version codec algorithm vocoder "
    "candidate run checkpoint",
}
# A column that says which system an answer is of, as files of predictions call it; not who judged, or a prompt.
SYSTEM_COLUMN = re.compile(
    r"(?i)(?!(?:judge|grader|evaluator|critic|scorer|reward|annotator|embedding|reference|gold|user|operating|file)"
    r"[ _.-])"
    r"(?:(?:[a-z0-9]+[ _.-])*(?:system|model|llm)|engine|checkpoint|ckpt|method)s?"
    r"(?:[ _.-]?(?:ids?|names?|no|nr|key|path|name[ _.-]or[ _.-]path|slug|tag|version))?"
)
SYSTEM_WORDS = re.compile(rb"(?i)system|model|llm|engine|checkpoint|ckpt|method")
LONGEST_SYSTEM = 100  # characters; a longer text is no name, but a system's prompt
SYSTEMS_SHOWN = 20
# No columns of that kind: what else of a line is read, and (JUDGED) numbers that raters gave.
READ_BESIDE = {"id", "rating", "ratings", "rater", "item", "system", "group", "attempt", "seconds", "passed", "n", "c"}
READ_BESIDE |= {"outcome", "result", "status", "limit_hit"}
JUDGED = {"rating", *USUAL_COLUMNS["rating"].split(), "ok", "passed", "success"}
COLUMNS_SHOWN = 12  # columns that are named
NO_ID = "no 'id'"
BY_PLACE = "row-number"  # --map id=row-number: the rows of a table go by their place, whatever its columns are called


def renamed(fields: Any, mapped: Mapping[str, str]) -> Any:
    """A row with its columns called as --map says; what had such a name before is left out."""
    if not mapped or not isinstance(fields, Mapping):
        return fields
    named = {ours: columns_named(ours, theirs, fields) for ours, theirs in mapped.items()}
    used = {name for names in named.values() for name in names}
    kept = {name: value for name, value in fields.items() if name not in mapped and name not in used}
    return kept | {ours: mapped_value(ours, names, fields) for ours, names in named.items() if names}


def columns_named(ours: str, theirs: str, names: Collection[str]) -> list[str]:
    """The column that --map names, or the several with commas between; none where one of them is not there."""
    found = theirs.split(",") if theirs not in names and ours in SEVERAL_COLUMNS else [theirs]
    return found if all(name in names for name in found) else []


def mapped_value(ours: str, names: Sequence[str], fields: Mapping[str, Any]) -> Any:
    """A column's value, or those of several: a list of references, ratings by whose they are."""
    if len(names) == 1:
        return fields[names[0]]
    given = {name: fields[name] for name in names if fields[name] not in (None, "")}
    found = {name: as_rating(value) for name, value in given.items()} if ours == "ratings" else list(given.values())
    return found or None


def as_rating(text: Any) -> Any:
    """A cell as a number where it is one."""
    try:
        return float(text) if isinstance(text, str) else text
    except ValueError:
        return text


def of_one_system(path: Path, content: bytes, columns: Columns) -> Columns:
    """The columns with the one system whose rows are read, where rows of predictions say which one they are of: by
    --system, else by the model's id. ScriptError: 3 which of them is it, 2 where --system can choose none.

    Ratings and votes name systems in every line and are chosen by their own metrics.
    """
    if {"ratings", "votes"} & set(columns.families):
        return columns
    rows = []
    if columns.system or "system" in columns.mapped or SYSTEM_WORDS.search(content):
        with contextlib.suppress(ValueError, csv.Error, ScriptError):  # what is wrong is said where lines are read
            rows = [row for row in rows_of_file(path, content) if any(row.values())]
    names = systems_named(rows, columns)
    if columns.system and rows and not names:
        there = listing(list(dict.fromkeys(str(name) for row in rows for name in row if name)), COLUMNS_SHOWN)
        raise ScriptError(f"--system {columns.system}: no column names it: --map system=COLUMN; there are {there}")
    several = [name for name in names if columns.system or len(set(names[name])) > 1]
    several = [name for name in several if columns.system in names[name]] or several
    if not several:
        return columns
    column, none = several[0], "(or --map system=none: it names none)"
    shown = single_line(column)
    if not all(one_to_one(names[column], names[other]) for other in several):
        ways = f"{columns.command} {command_line_of(['--map', f'system={column}'])} {none}"
        raise ScriptError(f"{listing(several)} differ by row: which column names the system? {ways}", code=3)
    found = sorted(set(names[column]) - {None})
    wanted = next((name for name in ((columns.system,) if columns.system else columns.model) if name in found), None)
    if wanted is None:
        asked = columns.system or next(iter(columns.model), "the model")
        ways = f"--system with one of {listing(found, SYSTEMS_SHOWN)} {none}"
        raise ScriptError(f"rows of several systems (column {shown}): which one is {asked}? {ways}", code=3)
    if lost := names[column].count(None):
        raise ScriptError(f"{lost} of {len(rows)} rows have no name in {column}, though others do: whose are they?")
    if columns.mapped.get("attempt") == column and len(found) > 1:
        raise ScriptError(f"--map attempt={column}: it names systems, of which one is scored, and no attempts of one")
    if len(found) > 1:
        note(f"note: {names[column].count(wanted)} of {len(rows)} rows are of {wanted} (column {shown}) and are read")
    return columns._replace(only=(column, wanted))


def systems_named(rows: Sequence[Mapping[str, Any]], columns: Columns) -> dict[str, list[str | None]]:
    """Column -> the name in each row, of those that name systems: the one of --map, else by their own names, else
    those in which --system, or the model's id, stands."""
    mapped = columns.mapped.get("system")
    there = list(dict.fromkeys(name for row in rows for name in row if isinstance(name, str)))
    taken = {
        theirs for ours, theirs in columns.mapped.items() if ours not in ("attempt", "group", "item")
    } | ANSWER_FIELDS
    named = {
        name: [system_name(row.get(name)) for row in rows] for name in there if name not in taken or name == mapped
    }
    named = {name: own for name, own in named.items() if any(own) and "" not in own}
    if mapped:
        if mapped in there and mapped not in named:
            raise ScriptError(f"--map system={mapped}: names are wanted there, short texts or whole numbers")
        return {name: own for name, own in named.items() if name == mapped}
    wanted = {columns.system or next(iter(columns.model), None)}
    by_value = {name: own for name, own in named.items() if wanted & set(own) and len(set(own)) < len(rows)}
    return {name: own for name, own in named.items() if SYSTEM_COLUMN.fullmatch(name.strip())} or by_value


def system_name(value: Any) -> str | None:
    """A value as the name of a system: None where there is none, "" where it can be no name."""
    if value is None or value == "":
        return None
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return unicodedata.normalize("NFC", text) if len(text) <= LONGEST_SYSTEM and "\n" not in text else ""


def one_to_one(one: Sequence[Any], two: Sequence[Any]) -> bool:
    """Whether two columns part the rows alike."""
    return len(set(one)) == len(set(two)) == len(set(zip(one, two, strict=True)))


def is_read(row: Any, columns: Columns) -> bool:
    """Whether a row is of the system that is scored, where rows say of which one they are."""
    return (
        columns.only is None or not isinstance(row, Mapping) or system_name(row.get(columns.only[0])) == columns.only[1]
    )


def rows_of_file(path: Path, content: bytes) -> list[Mapping[str, Any]]:
    """The rows of a table, or the objects of a file, as they are there: with no regard to what is wrong with others."""
    text = content.decode("utf-8-sig", "replace")
    if is_table(path):
        return list(csv.DictReader(io.StringIO(text), delimiter="\t" if path.suffix.lower() == ".tsv" else ","))
    values = rows_of_document(strict_json(text)) if path.suffix == ".json" else map(object_in, text.split("\n"))
    return [row for row in values if isinstance(row, Mapping)]


def is_table(path: Path) -> bool:
    """Whether a file is a table by its name."""
    return path.suffix.lower() in (".csv", ".tsv")


def object_in(text: str) -> Any:
    """The JSON value of a line; None where there is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def check_wanted(
    path: Path, content: bytes, lines: Sequence[Line], problems: Sequence[tuple[int, str]], columns: Columns
) -> None:
    """ScriptError (3) with all that is to be said of the columns, in one command: which ones the metrics read where no
    line has them, or an id; which ones tell raters, items, systems or attempts apart; what an empty prediction is."""
    nameless = bool(problems) and not lines and all(text == NO_ID for _, text in problems)
    if not lines and not nameless:
        return
    groups = [*([("id",)] if nameless else []), *(group for family in columns.families for group in WANTED[family])]
    groups += [(ours,) for ours, theirs in columns.mapped.items() if theirs != NO_FIELD]
    rated, tried = "ratings" in columns.families, "attempts" in columns.families
    blank = is_table(path) and columns.empty is None
    raw = [row for row in rows_of_file(path, content) if is_read(row, columns)] if nameless or tried or blank else []
    if nameless and not any(raw):
        return
    rows = [renamed(row, columns.mapped) for row in raw]
    there = rows if nameless else [line.fields for line in lines]
    lacking = [one for one in dict.fromkeys(groups) if not any(name in fields for fields in there for name in one)]
    if columns.ids:
        lacking = [("id",), *lacking]
    raw = raw or rows_of_file(path, content) if lacking else raw
    names = list(dict.fromkeys(str(name) for row in raw for name in row if name))
    if lacking:
        check_mapped(names, columns)
    ways = columns_for(lacking, names, columns)
    apart = roles_apart(there if rated else rows, columns, ways, is_table(path)) if rated or tried else {}
    answers = ways.get("prediction", "prediction")
    cells = [row for row in rows if any(row.values())] if blank else []
    looked = names if answers == "COLUMN" else [answers]
    empty = {name: count for name in looked if (count := sum(row.get(name) == "" for row in cells))}
    if not lacking and not apart and not empty:
        return
    raise which_columns(lacking, names, columns, ways, apart, empty)


def goes_by_place(rows: Sequence[Mapping[str, Any]], columns: Columns) -> bool:
    """Whether rows without an id have the numbers of their places, as those of a table have: where no column may be an
    id. Several votes are of one question: there only one of which each row has its own may be."""
    if "id" in columns.mapped:
        return columns.mapped["id"] == BY_PLACE
    usual, votes = USUAL_COLUMNS["id"].split(), columns.families == ("votes",)
    if not all(rows) or "attempts" in columns.families:  # of several tries at one item, which only a column tells
        return False
    for name in {name for row in rows for name in row if name not in READ_FIELDS}:
        word, own = name.strip().casefold(), len({str(row.get(name)) for row in rows}) == len(rows)
        if (word in usual and (own or not votes)) or (word.endswith("id") and own):
            return False
    return True


def check_mapped(names: Sequence[str], columns: Columns) -> None:
    """ScriptError for a column of --map that is not there."""
    for ours, theirs in columns.mapped.items():
        if not columns_named(ours, theirs, names) and (ours, theirs) != ("id", BY_PLACE) and theirs != NO_FIELD:
            there_are = f"there is no such column{nearest(theirs, names)}; there are {listing(names, COLUMNS_SHOWN)}"
            raise ScriptError(f"--map {ours}={theirs}: {there_are}")


def columns_for(lacking: Sequence[tuple[str, ...]], names: Sequence[str], columns: Columns) -> dict[str, str]:
    """Of each group of words that is wanted its first one -> the column that is usually called so, or COLUMN."""
    wanted_names = {name for family in columns.families for group in WANTED[family] for name in group}
    ways: dict[str, str] = {}
    for first, *_ in lacking:
        known = (first, *USUAL_COLUMNS.get(first, "").split())
        usual = [name for name in names if name.strip().casefold() in known and name not in wanted_names]
        usual = list(columns.ids) if first == "id" and columns.ids else usual
        usual = [name for name in usual if name not in (*ways.values(), *columns.mapped.values())]
        ways[first] = usual[0] if len(usual) == 1 else "COLUMN"
    return ways


def roles_apart(
    rows: Sequence[Mapping[str, Any]], columns: Columns, ways: dict[str, str], table: bool
) -> dict[str, str]:
    """Role -> column (or COLUMN) of what tells ratings or attempts apart and nobody has named: without it what belongs
    to several systems, items or raters is one heap. `ways` gets the id where its column is known by the same names.

    Only columns whose values repeat can; one of an unknown name only where they do so twice on average.
    """
    there = {name for row in rows for name in row}
    known = {*there, *columns.mapped, *(ours for ours in ways if ways[ours] != "COLUMN")}
    if "ratings" in columns.families:
        roles = ("system",) if "ratings" in there else ("rater", "item", "system")
    else:
        roles = ("id",) if table or "id" in ways else ()
    roles = [role for role in roles if role not in known]
    taken = {*READ_BESIDE, *columns.mapped, *ways.values()}
    counts = {name: count for name in sorted(there - taken - {None}) if (count := distinct_values(rows, name)) > 1}
    counts = {name: count for name, count in counts.items() if name.casefold() not in JUDGED and count < len(rows)}
    of = {name: role for name in counts for role, words in ROLE_WORDS.items() if plain_name(name) in words.split()}
    other = [name for name, count in counts.items() if of.get(name) not in roles and 2 * count <= len(rows)]
    found = {}
    for role in roles:
        own = [name for name in counts if of.get(name) == role or (role == "id" and of.get(name) == "item")]
        if own or other:
            found[role] = own[0] if len(own) == 1 else "COLUMN"
    if "attempts" in columns.families and "attempt" not in known:
        found |= attempt_column(
            rows, found.get("id", ways.get("id", "id")), [n for n in counts if n not in found.values()]
        )
    return found


def attempt_column(rows: Sequence[Mapping[str, Any]], id: str, names: Sequence[str]) -> dict[str, str]:
    """The column that numbers the attempts at an item, where its id stands in several rows: {} where it does not."""
    if id == "COLUMN" or len({str(row.get(id)) for row in rows}) == len(rows) or not any(id in row for row in rows):
        return {}
    fitting = [
        name
        for name in names
        if name != id
        and not SYSTEM_COLUMN.fullmatch(name.strip())
        and len({(str(row.get(id)), str(row.get(name))) for row in rows}) == len(rows)
    ]
    return {"attempt": fitting[0] if len(fitting) == 1 else "COLUMN"} if names else {}


def plain_name(name: str) -> str:
    """A column's name without case, signs and the word that says that it is one: "Listener_ID" -> "listener"."""
    text = re.sub(r"[\W_]+", "", name.casefold())
    return re.sub(r"(?<=...)(?:ids?|names?|no|nr|num|number|code|label)$", "", text)


def distinct_values(rows: Sequence[Mapping[str, Any]], name: str) -> int:
    """How many texts or whole numbers a column has; 0 where it has anything else, as measured numbers."""
    values = [row[name] for row in rows if row.get(name) not in (None, "")]
    if not all(isinstance(value, str | int) and not isinstance(value, bool) for value in values):
        return 0
    texts = set(map(str, values))
    return 0 if all(re.fullmatch(r"-?\d*\.\d+(?:[eE]-?\d+)?", text) for text in texts) else len(texts)


def which_columns(
    lacking: Sequence[tuple[str, ...]],
    names: Sequence[str],
    columns: Columns,
    ways: Mapping[str, str],
    apart: Mapping[str, str],
    empty: Mapping[str, int],
) -> ScriptError:
    """What is said of columns that are wanted and not there: those that are, and how to say which is which."""
    free = [name for name in names if name not in READ_FIELDS and name not in columns.mapped.values()]
    wanted = " and ".join(f"{first} (or {', '.join(others)})" if others else first for first, *others in lacking)
    parts = [f"the columns are {listing(names, COLUMNS_SHOWN)}"] if lacking or apart else []
    parts += [f"wanted too: {wanted}"] if lacking else []
    taken = {name: role for role, name in columns.mapped.items() if any(name in roles for roles in lacking)}
    parts += [f"--map {role}={name} took {name} for {role}" for name, role in taken.items() if name in names]
    if ("reference", "references") in lacking:
        parts.append("references may be in another file: --references FILE")
    if lacking and not free and not set(ways.values()) & set(names):
        parts += ["give each line one, or the rows as a table (.csv), which needs none"] if ("id",) in lacking else []
        return ScriptError("; ".join(parts))
    if apart:
        kinds = listing([f"{role}s" for role in apart])
        parts.append(f"which of them tells {kinds} apart? Without that what belongs to several is one heap")
    known = ways.get("prediction") != "COLUMN"
    if empty:
        cells = listing([f"{name} {count}" for name, count in empty.items()], 5)
        parts.append(f"empty cells ({cells}): if predictions, is that an answer, or missing (none)?")
    mapped = {**columns.mapped, **ways, **apart}
    words = ["--map", *(f"{ours}={theirs}" for ours, theirs in mapped.items())] if mapped else []
    said = command_line_of([*words, *(["--empty-cells", "answer"] if empty and known else [])])
    none = [f"{role}={NO_FIELD}" for role in apart if role not in ("id", "attempt")]
    none += [f"id={BY_PLACE}"] if "id" in apart and "id" not in ways else []
    ways_out = [f"{' '.join(none)}: no column does"] if none else []
    ways_out += [f"id={BY_PLACE}: the rows by their place"] if columns.ids else []
    ways_out += ["--empty-cells missing: none was given"] if empty and known else []
    ways_out += ["then --empty-cells answer or missing"] if empty and not known else []
    said += f" (or {'; '.join(ways_out)})" if ways_out else ""
    return ScriptError(f"{'; '.join(parts)}: say which is which: {columns.command} {said}", code=3)


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


# --- parts/metrics/attempts.py ----------------------------------------------------------------------------------------


def unequal_attempts(items: Sequence[Item]) -> bool:
    """Whether some items were tried more often than others."""
    if all(item.attempt is None for item in items):
        return False
    return len(set(Counter(item.id for item in items).values())) > 1


def item_means(values: np.ndarray, items: Sequence[Item]) -> tuple[np.ndarray, list[str | None]]:
    """(the mean of each item's attempts, what the items share beside being attempts at one)."""
    import numpy as np

    found: dict[str, list[float]] = defaultdict(list)
    groups: dict[str, str | None] = {}
    for item, value in zip(items, values.tolist(), strict=True):
        found[item.id].append(value)
        groups[item.id] = item.group or item.id
    return np.array([math.fsum(own) / len(own) for own in found.values()]), list(groups.values())


def put_together(scores: Scores, unparsed: Sequence[Item]) -> tuple[Scores, list[Item]]:
    """Scores of items with all their attempts in one, and the unparsed items of which no attempt has a score."""
    import numpy as np

    made = Counter(item.id for item in (*scores.items, *unparsed))
    known: dict[str, list[tuple[Item, float]]] = defaultdict(list)
    without: dict[str, tuple[Item, str]] = {}
    for i, (item, value) in enumerate(zip(scores.items, scores.values.tolist(), strict=True)):
        if i in scores.reasons:
            without.setdefault(item.id, (item, scores.reasons[i]))
        else:
            known[item.id].append((item, value))
    items, values, reasons = [], [], {}
    for id, own in known.items():
        items.append(whole_item([item for item, _ in own], made[id], len(own)))
        values.append(math.fsum(value for _, value in own) / len(own))
    for id, (item, reason) in without.items():
        if id not in known:
            reasons[len(items)] = reason
            items.append(whole_item([item], made[id], 0))
            values.append(math.nan)
    left: dict[str, Item] = {}
    for item in unparsed:
        if item.id not in known and item.id not in without:
            left.setdefault(item.id, item)
    details: dict[str, Any] = {"attempts": made.total(), "scored": sum(map(len, known.values()))}
    fewest, most = min(made.values()), max(made.values())
    notes = [*scores.notes, f"items have {fewest} to {most} attempts: averaged per item first"]
    done = replace(
        scores,
        items=items,
        values=np.array(values),
        reasons=reasons,
        notes=notes,
        details={**scores.details, **details},
    )
    return done, [whole_item([item], made[item.id], 0) for item in left.values()]


def whole_item(own: Sequence[Item], made: int, scored: int) -> Item:
    """One item of some attempts, with how many were made and how many have a score."""
    group = None if own[0].group == own[0].id else own[0].group
    outputs = tuple(text for item in own for text in item.outputs)
    more = (*own[0].more, ("attempts", str(made)), ("scored", str(scored)))
    return own[0]._replace(attempt=None, group=group, outputs=outputs, more=more)


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


# --- parts/metrics/uncertainty.py -------------------------------------------------------------------------------------

ALL_ALIKE = "none: all draws are alike"
LAST_DIGITS = 1e-12  # the last digits of floats that are the same number
MOST_UNDEFINED = 0.025  # share of draws without a value above which there is no 95 % interval


def numbered(names: Iterable[str | None]) -> np.ndarray | None:
    """Names as numbers from 0 in the order of the names; None when each stands alone, so that nothing is shared."""
    import numpy as np

    names = list(names)
    if None in names:
        return None
    found, numbers = np.unique(np.array(names), return_inverse=True)
    return None if len(found) == len(names) else numbers


def groups_of(items: Sequence[Item]) -> np.ndarray | None:
    """The numbers of the items' groups, or None."""
    return numbered(item.group for item in items)


def ways_of_sharing(items: Sequence[Item]) -> list[np.ndarray]:
    """What ratings or votes share: groups, and raters; only what there is more than one of, and less than one each."""
    ways = [groups_of(items), numbered(item.value.rater for item in items)]
    return [numbers for numbers in ways if numbers is not None and numbers.max() > 0]


def clipped(value: float, low: float | None, high: float | None) -> float:
    """A number moved into a range that may be open."""
    value = value if low is None else max(low, value)
    return value if high is None else min(high, value)


def mean_spread(values: np.ndarray, ways: Sequence[np.ndarray | None], low: float | None, high: float | None) -> Spread:
    """The uncertainty of a mean of values that may share groups and raters; see parts/statistics/bounded.py."""
    import numpy as np

    interval = score_interval(values, ways, low, high)
    if interval is None:
        return Spread(method="none: one item only" if len(values) == 1 else "none: all items are in one group")
    error = sharing_error(values, ways) if len(values) > 1 else None
    if error and np.ptp(values) < LAST_DIGITS * np.abs(values).max():
        error = 0.0
    clustered = any(way is not None for way in ways)
    if error == 0 and (None in (low, high) or values[0] not in (low, high)):
        return Spread(method="none: all values are alike")
    return Spread(error, "clustered" if clustered else "analytic", *interval)


@dataclass(frozen=True, slots=True)
class Cells:
    """Items reduced to what a score of the whole file needs: unlike rows, and how often each occurs.

    rows: (U, d). counts: (U,). by_group: (G, U) counts in each group, where groups are drawn and not items.
    """

    rows: np.ndarray
    counts: np.ndarray
    by_group: Any = None

    @property
    def units(self) -> int:
        """How many things are drawn."""
        return int(self.counts.sum()) if self.by_group is None else self.by_group.shape[0]


def cells_of(features: np.ndarray, groups: np.ndarray | None) -> Cells:
    """The unlike rows of (items, d) features in a fixed order, so that the order of items decides nothing."""
    import numpy as np

    rows, inverse, counts = np.unique(features, axis=0, return_inverse=True, return_counts=True)
    if groups is None:
        return Cells(rows, counts)
    from scipy import sparse

    shape = (int(groups.max()) + 1, len(rows))
    return Cells(rows, counts, sparse.csr_array((np.ones(len(groups)), (groups, inverse.ravel())), shape=shape))


def drawn_counts(cells: Cells, draws: int, seed: int) -> Iterator[np.ndarray]:
    """How often each row of the cells occurs in each bootstrap draw of the items, or of the groups."""
    import numpy as np

    rng = np.random.default_rng(seed)
    n, alike = cells.units, len(cells.counts)
    for _ in range(draws):
        if cells.by_group is not None:
            yield np.bincount(rng.integers(0, n, n), minlength=n) @ cells.by_group
        elif alike == n:
            yield np.bincount(rng.integers(0, n, n), minlength=n)
        else:
            yield rng.multinomial(n, cells.counts / n)


def bootstrap(cells: Cells, statistic: Callable[[np.ndarray], float], choices: Choices) -> np.ndarray:
    """The statistic of each draw; it takes the count of each row of the cells."""
    import numpy as np

    draws = choices.draws if cells.units > 1 else 0
    return np.array([statistic(counts) for counts in drawn_counts(cells, draws, choices.seed)], float)


def draws_spread(value: float, drawn: np.ndarray, units: int, coefficient: bool = False) -> Spread:
    """The uncertainty in bootstrap draws: percentiles at the level that few units ask for (Hesterberg 2015), or of a
    coefficient between -1 and 1 on the scale of Fisher's z."""
    import numpy as np
    from scipy import special

    if units < 2 or not len(drawn):
        return Spread(method="none: one item or group only" if units < 2 else "none: --draws 0")
    finite = drawn[np.isfinite(drawn)]
    if len(finite) < (1 - MOST_UNDEFINED) * len(drawn) or len(finite) < 2:
        return Spread(method=f"none: undefined in {len(drawn) - len(finite)} of {len(drawn)} draws")
    if finite.min() == finite.max():
        return Spread(method=ALL_ALIKE)
    stretch = math.sqrt(units / (units - 1))
    tail = float(special.ndtr(-critical_value((1 - CONFIDENCE) / 2, units - 1) * stretch))
    ends, method = np.quantile(finite, [tail, 1 - tail]).tolist(), "expanded percentiles of the bootstrap"
    if coefficient:
        ends, method = fisher_interval(value, finite, units), "bootstrap, Fisher's z, t"
    return Spread(float(finite.std(ddof=1)) * stretch, "bootstrap", *ends, method, len(finite))


@dataclass(frozen=True, slots=True)
class WayDraws:
    """Bootstrap draws of (k,) statistics of votes: of single votes first, then of each way in which they are shared.

    units: how many votes, groups or raters were drawn. drawn: (draws, k) for each; NaN where a draw has no value.
    """

    units: Sequence[int]
    drawn: Sequence[np.ndarray]

    @property
    def freedom(self) -> int:
        """Degrees of freedom: the fewest things that were drawn, less one."""
        return min(self.units) - 1

    def of(self, made: Callable[[np.ndarray], np.ndarray]) -> WayDraws:
        """The draws of what is made of the statistics, as a difference of two."""
        return WayDraws(self.units, [made(drawn) for drawn in self.drawn])

    def deviation(self) -> np.ndarray:
        """(k,) standard errors where votes share items and raters (Cameron, Gelbach and Miller 2011): the variances of
        all ways less that of single votes, never below the largest of them."""
        import numpy as np

        pairs = zip(self.units, self.drawn, strict=True)
        single, *shared = [np.nanvar(drawn, axis=0, ddof=1) * n / (n - 1) for n, drawn in pairs]
        together = sum(shared) - (len(shared) - 1) * single if shared else single
        return np.sqrt(np.max([together, single, *shared], axis=0))

    def spread(self, place: int, value: float) -> Spread:
        """The uncertainty of one statistic: percentiles of single votes, or Student's t where votes are shared."""
        own = self.of(lambda drawn: drawn[:, [place]])
        alone = [draws_spread(value, drawn[:, 0], n) for n, drawn in zip(own.units, own.drawn, strict=True)]
        missing = [one for one in alone if one.low is None]
        none = next((one for one in missing if one.method != ALL_ALIKE), None)
        if none or len(alone) == 1 or len(missing) == len(alone):
            return none or alone[0]
        error = float(own.deviation()[0])
        half = float(critical_value((1 - CONFIDENCE) / 2, self.freedom)) * error
        words = f"bootstrap, Student t, {' x '.join(map(str, self.units[1:]))} clusters"
        return Spread(error, "bootstrap", value - half, value + half, words, len(self.drawn[0]))


def way_draws(
    features: np.ndarray, items: Sequence[Item], statistic: Callable[[np.ndarray, np.ndarray], Any], choices: Choices
) -> WayDraws:
    """Bootstrap draws of statistics of (votes, d) features, which get unlike rows and how often each occurs."""
    import numpy as np

    units, found = [], []
    for groups in [None, *ways_of_sharing(items)]:
        cells = cells_of(features, groups)
        draws = choices.draws if cells.units > 1 else 0
        counts = drawn_counts(cells, draws, choices.seed)
        watched = choices.watch(range(draws), "bootstrap draws")
        drawn = [np.atleast_1d(statistic(cells.rows, own)) for _, own in zip(watched, counts, strict=True)]
        units.append(cells.units)
        statistics = np.atleast_1d(statistic(cells.rows, cells.counts)).size
        found.append(np.array(drawn, float).reshape(draws, statistics))
    return WayDraws(units, found)


def unit_words(spread: Spread, groups: np.ndarray | None) -> Spread:
    """The same, saying that groups were drawn."""
    if groups is None or spread.standard_error is None:
        return spread
    return replace(spread, method=f"{spread.method} of {int(groups.max()) + 1} groups")


def mean_scores(values: Iterable[float], items: Sequence[Item], metric: Metric, **more: Any) -> Scores:
    """The mean over the items that have a value, with its uncertainty. ScriptError when none has one."""
    import numpy as np

    values = np.array(list(values), float)
    scored = np.isfinite(values)
    if not scored.any():
        raise ScriptError(f"{metric.name}: no item could be scored: {next(iter(more['reasons'].values()))}")
    own = [item for item, kept in zip(items, scored, strict=True) if kept]
    means, shared = values[scored], [item.group for item in own]
    if unequal_attempts(own):
        means, shared = item_means(means, own)
    low, high = more.get("low", metric.low), more.get("high", metric.high)
    spread = more.pop("spread", None) or mean_spread(means, [numbered(shared)], low, high)
    return Scores(clipped(float(means.mean()), low, high), items, values, spread, **more)


def corpus_scores(
    statistics: Any, formula: str, value: float, values: Iterable[float], items: Sequence[Item], metric: Metric,
    choices: Choices, **more: Any,
) -> Scores:  # fmt: skip
    """A score of the whole file, `value`, with its interval by the items' statistics.

    statistics: what each item adds, as parts/statistics/corpus.py has it; unlike ones are counted, so that a
    million items are a few cells.
    """
    import numpy as np

    if unequal_attempts(items):
        raise ScriptError(
            f"{metric.name} is a score of the whole file, and some items have more attempts than others, so they would "
            "weigh more: give each item equally many"
        )
    groups = groups_of(items)
    kept = statistics.tolist() if isinstance(statistics, np.ndarray) else statistics
    found = np.array(list(values), float)
    spread = unit_words(statistics_spread(statistics, formula, value, groups, choices), groups)
    return Scores(value, items, found, spread, formula=formula, statistics=kept, **more)


def statistics_spread(statistics: Any, formula: str, value: float, groups: Any, choices: Choices) -> Spread:
    """The uncertainty of a score of items' statistics: jackknife, or draws of scores that are no function of sums."""
    import numpy as np

    rule = FORMULAS[formula]
    codes, classes = statistics, classes_of(statistics, formula) if rule.labels else []
    if rule.labels:
        known = {label: code for code, label in enumerate(classes)}
        codes = [[known.get(label, -1) for label in row] for row in statistics]
    cells = cells_of(np.asarray(codes, float), groups)
    rows, counts, drawn = cells.rows, cells.counts, None
    if rule.labels:
        named = [[classes[int(code)] if code >= 0 else None for code in row] for row in rows]
        rows = statistics_array(named, formula, classes)
    if rule.by_rows:
        drawn = bootstrap(cells, lambda own: float(rule.weighted(rows, np.asarray(own)[None])[0]), choices)
    elif cells.by_group is not None:
        rows, counts = cells.by_group @ rows, np.ones(cells.units)
    made = corpus_spread(formula, value, rows, counts, drawn, cells.units)
    if isinstance(made, str):
        return Spread(method=f"none: {made}")
    error, low, high, method = made
    name = "jackknife" if drawn is None else "bootstrap"
    return Spread(error or None, name, low, high, method, None if drawn is None else len(drawn))


# --- parts/metrics/forecasts.py ---------------------------------------------------------------------------------------

NORMS = {"ece": "l1", "adaptive-ece": "l1", "mce": "max", "rms-ce": "l2"}


def score_pass_at_k(items: Sequence[Item], metric: Metric, choices: Choices) -> Scores:
    """The mean of pass@k over the tasks; each must have been tried at least k times."""
    tried = [item.value for item in items]
    few = [(item.line, f"{item.id}: {n} known attempts, too few for {metric.name}")
           for item, (n, *_) in zip(items, tried, strict=True) if n < metric.k]  # fmt: skip
    check_problems(few)
    known, _, unknown, late, broken = map(sum, zip(*tried, strict=True))
    details = {"attempts": known + unknown, "scored": known, "no_value": unknown}
    details |= {name: count for name, count in (("limit_hit", late), ("errored", broken)) if count}
    values = [pass_at_k(n, c, metric.k) for n, c, *_ in tried]
    return mean_scores(values, items, metric, parameters={"k": metric.k}, details=details)


def bin_edges(confidence: np.ndarray, bins: int, adaptive: bool) -> np.ndarray:
    """The inner edges of bins of equal width, or of about equally many items; equal confidences share a bin."""
    import numpy as np

    inner = np.arange(1, bins) / bins
    return np.unique(np.quantile(confidence, inner)) if adaptive else inner


def bin_sums(
    numbers: np.ndarray, confidence: np.ndarray, right: np.ndarray, counts: np.ndarray, bins: int
) -> np.ndarray:
    """(3, bins): how many items, their summed confidence, how many were right."""
    import numpy as np

    return np.stack([np.bincount(numbers, counts * weight, bins) for weight in (1.0, confidence, right)])


def calibration_error(sums: np.ndarray, norm: str) -> float:
    """The gap between confidence and what was right, over bins: "l1" (ECE), "l2" (root mean square) or "max" (MCE).

    Naeini et al. 2015, Guo et al. 2017.
    """
    import numpy as np

    count, confidence, right = sums[:, sums[0] > 0]
    gap, share = np.abs(confidence - right) / count, count / count.sum()
    if norm == "max":
        return float(gap.max())
    return float(math.sqrt((share * gap**2).sum()) if norm == "l2" else (share * gap).sum())


def score_calibration(items: Sequence[Item], metric: Metric, choices: Choices) -> Scores:
    """A calibration error, beside what a perfectly calibrated model with the same confidences would show.

    It has no interval: noise alone makes such an error larger, and near 0 its bootstrap intervals covered 72 to 89 %
    instead of 95. An item's own value is whether it was right.
    """
    import numpy as np

    confidence = np.array([item.value.confidence for item in items])
    right = np.array([float(item.value.right) for item in items])
    edges = bin_edges(confidence, choices.bins, metric.name == "adaptive-ece")
    numbers = np.searchsorted(edges, confidence, side="left")
    norm, bins = NORMS[metric.name], len(edges) + 1
    sums = bin_sums(numbers, confidence, right, np.ones(len(right)), bins)
    value, shown = calibration_error(sums, norm), calibrated_errors(numbers, confidence, bins, norm, choices)
    spread = Spread(method="none: the error of a calibrated model is above 0 too; see calibrated_mean, calibrated_95")
    binning = "equal mass" if metric.name == "adaptive-ece" else "equal width"
    parameters = {"bins": bins, "binning": binning, "probability_of": forecasts_about(items)}
    return Scores(
        value, items, right, spread, {}, parameters,
        {"accuracy": float(right.mean()), "mean_confidence": float(confidence.mean()), **shown},
        diagram_bins(sums, edges),
    )  # fmt: skip


def calibrated_errors(
    numbers: np.ndarray, confidence: np.ndarray, bins: int, norm: str, choices: Choices
) -> dict[str, float]:
    """The mean and the 95 % quantile of the error of a perfectly calibrated model: each item is right with the stated
    confidence (consistency resampling, Broecker and Smith 2007). An error above the quantile is no noise."""
    import numpy as np

    if not choices.draws:
        return {}
    rng = np.random.default_rng(choices.seed)
    count, stated = (np.bincount(numbers, weight, bins) for weight in (np.ones(len(numbers)), confidence))
    errors = [
        calibration_error(
            np.stack([count, stated, np.bincount(numbers, rng.random(len(numbers)) < confidence, bins)]), norm
        )
        for _ in range(choices.draws)
    ]
    return {"calibrated_mean": float(np.mean(errors)), "calibrated_95": float(np.quantile(errors, CONFIDENCE))}


def diagram_bins(sums: np.ndarray, edges: np.ndarray) -> list[dict[str, Any]]:
    """The bins of a reliability diagram that hold items, with Wilson intervals of the share that was right."""
    ends = [0.0, *map(float, edges), 1.0]
    found = []
    for i, (count, confidence, right) in enumerate(sums.T.tolist()):
        if count:
            low, high = wilson_interval(right, count)
            row = {"from": ends[i], "to": ends[i + 1], "items": round(count), "confidence": confidence / count}
            found.append(row | {"right": right / count, "low": low, "high": high})
    return found


def score_brier(items: Sequence[Item], metric: Metric, choices: Choices) -> Scores:
    """The mean squared error of the probabilities (Brier 1950): 0 to 1 of an event, 0 to 2 summed over classes."""
    high = 2.0 if forecasts_about(items) == "each class" else 1.0
    values = [item.value.squared_error for item in items]
    return mean_scores(values, items, metric, high=high, parameters={"probability_of": forecasts_about(items)})


def forecasts_about(items: Sequence[Item]) -> str:
    """What the probabilities are of; ScriptError when lines differ in that."""
    about = items[0].value.about
    check_problems([
        (item.line, f"a probability of {item.value.about}, while line {items[0].line} has one of {about}")
        for item in items if item.value.about != about
    ])  # fmt: skip
    return about


def score_log_loss(items: Sequence[Item], metric: Metric, choices: Choices) -> Scores:
    """The mean of -ln(probability of what happened), in nats; --clip gives a floor, without which 0 has no log loss."""
    floor = choices.clip or 0.0
    parameters = {"probability_of": forecasts_about(items), "clip": choices.clip}
    chances = [max(item.value.outcome, floor) for item in items]
    check_problems([
        (item.line, "probability 0 for what happened: an infinite log loss; use brier, or give a floor: --clip 1e-6")
        for item, chance in zip(items, chances, strict=True) if chance == 0
    ])  # fmt: skip
    values = [-math.log(chance) for chance in chances]
    return mean_scores(values, items, metric, parameters=parameters)


def ndcg(ranked: Sequence[str], grades: Mapping[str, float], k: int) -> float:
    """nDCG@k with the grade as gain and log2 discount, as trec_eval and BEIR have it (Jarvelin and Kekalainen 2002)."""

    def discounted(gains: Iterable[float]) -> float:
        return math.fsum(gain / math.log2(place + 2) for place, gain in enumerate(gains))

    best = discounted(sorted(grades.values(), reverse=True)[:k])
    return discounted(grades.get(name, 0.0) for name in ranked[:k]) / best


def recall(ranked: Sequence[str], grades: Mapping[str, float], k: int) -> float:
    """The share of the relevant documents that is among the first k."""
    return sum(name in grades for name in ranked[:k]) / len(grades)


def reciprocal_rank(ranked: Sequence[str], grades: Mapping[str, float], k: int | None) -> float:
    """One over the place of the first relevant document, 0 when there is none among the first k."""
    return next((1 / place for place, name in enumerate(ranked[:k], start=1) if name in grades), 0.0)


def precision_at(ranked: Sequence[str], grades: Mapping[str, float], k: int) -> float:
    """The share of relevant documents among the first k; places that nothing was found for count as wrong."""
    return sum(name in grades for name in ranked[:k]) / k


def average_precision(ranked: Sequence[str], grades: Mapping[str, float], k: int | None) -> float:
    """The precision at each relevant document that is found (among the first k), over all relevant ones (trec_eval)."""
    hits, total = 0, 0.0
    for place, name in enumerate(ranked[:k], start=1):
        if name in grades:
            hits += 1
            total += hits / place
    return total / len(grades)


def score_ranking(items: Sequence[Item], metric: Metric, choices: Choices) -> Scores:
    """The mean of a ranking measure over the queries that have a relevant document."""
    measures = {"ndcg": ndcg, "recall": recall, "mrr": reciprocal_rank}
    measure = (measures | {"precision": precision_at, "map": average_precision})[metric.name.partition("@")[0]]
    reasons = {i: "the query has no relevant document" for i, item in enumerate(items) if not item.references}
    values = [
        math.nan if i in reasons else 0.0 if item.value is None else measure(*item.value, metric.k)
        for i, item in enumerate(items)
    ]
    depth, notes = max((len(item.value[0]) for item in items if item.value is not None), default=0), []
    if metric.k and depth < metric.k:
        notes = [
            f"{metric.name}: no query has more than {plural(depth, 'document')}, so the places {depth + 1} to "
            f"{metric.k} are empty for all: the score of a run that is cut there; compare it with runs as deep"
        ]
    parameters, details = {"k": metric.k}, {"depth": depth}
    return mean_scores(values, items, metric, reasons=reasons, parameters=parameters, details=details, notes=notes)


# --- parts/metrics/texts.py -------------------------------------------------------------------------------------------

OWN_MODEL = "and a model that sacrebleu gets from the network, or has in ~/.sacrebleu/models"
TOKENIZER_PACKAGES = {"ja": "sacrebleu[ja]", "ko": "sacrebleu[ko]", "sp": "sentencepiece", "fl": "sentencepiece"}
SEEN_ITEMS, MUCH_SURFACE = 2_000, 0.25  # of which errors are counted again; share of them that is case and punctuation
MANY_UNSPACED = 0.02  # share of the references
NO_PUNCTUATION = dict.fromkeys(map(ord, string.punctuation))
NUMBER_IN_TEXT = re.compile(r"(?<![\w.])-?(?:\d+(?:,\d{3})*(?:\.\d+|/\d+)?|\.\d+)(?:e-?\d+)?")
MOST_TER_WORDS = 500  # of a text; twice as many that are shuffled take minutes
MOST_TER_SECONDS = 300  # of the processor, for all texts; 3,000 sentences take some ten
MOST_OF_TABLE = 20_000_000  # cells of the table of rouge-lsum: half a gigabyte


def normalized_answer(text: str) -> str:
    """A text as SQuAD's evaluation compares it: lower case, no punctuation, no articles, single spaces. In a number its
    sign, its point and its line stay: -5, 1.5 and 1/2 are not 5, 15 and 12."""
    text, end, kept = text.lower(), 0, []
    for found in NUMBER_IN_TEXT.finditer(text):
        kept += [text[end : found.start()].translate(NO_PUNCTUATION), found[0].replace(",", "")]
        end = found.end()
    text = "".join([*kept, text[end:].translate(NO_PUNCTUATION)])
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def same_for_squad(said: str, reference: str) -> bool:
    """Whether two texts are equal as SQuAD compares them; a reference of which that leaves nothing with its article
    (the choice A) or its punctuation (the sign +): it is neither "the" nor an empty answer."""
    for fold in (normalized_answer, without_punctuation, str.split):
        if wanted := fold(reference):
            return fold(said) == wanted
    return not normalized_answer(said)


def without_punctuation(text: str) -> list[str]:
    """The words of a text in lower case, without punctuation."""
    return text.lower().translate(NO_PUNCTUATION).split()


def token_f1(prediction: str, reference: str) -> float:
    """The harmonic mean of precision and recall of the words (Rajpurkar et al. 2016); 1 when both have none."""
    said, wanted = normalized_answer(prediction).split(), normalized_answer(reference).split()
    if not said or not wanted:
        return float(same_for_squad(prediction, reference))
    shared = (Counter(said) & Counter(wanted)).total()
    return 2 * shared / (len(said) + len(wanted))


def empty_count(items: Iterable[Item]) -> int:
    """How many answers are blank."""
    return sum(bool(item.outputs) and not any(text.strip() for text in item.outputs) for item in items)


def score_accuracy(items: Sequence[Item], metric: Metric, choices: Choices) -> Scores:
    """The share of predictions that equal a reference, but for spaces around them."""
    values = (
        item.value is not None and item.value.strip() in [reference.strip() for reference in item.references]
        for item in items
    )
    return mean_scores(values, items, metric)


def score_exact_match(items: Sequence[Item], metric: Metric, choices: Choices) -> Scores:
    """The share of predictions that equal a reference as SQuAD compares them."""
    values = (
        item.value is not None and any(same_for_squad(item.value, reference) for reference in item.references)
        for item in items
    )
    return mean_scores(values, items, metric)


def score_token_f1(items: Sequence[Item], metric: Metric, choices: Choices) -> Scores:
    """The mean of the best token F1 over an item's references."""
    values = (
        0.0 if item.value is None else max(token_f1(item.value, reference) for reference in item.references)
        for item in items
    )
    return mean_scores(values, items, metric)


def only_reference(item: Item, metric: Metric) -> str:
    """The one reference of an item."""
    if len(item.references) != 1:
        raise ScriptError(f"line {item.line}: {metric.name} takes one reference, there are {len(item.references)}")
    return item.references[0]


def bleu_features(items: Sequence[Item], choices: Choices) -> tuple[np.ndarray, list[float]]:
    """(items, 10): matched and all n-grams for n = 1..4, lengths of hypothesis and reference; and each item's BLEU."""
    import numpy as np
    from sacrebleu.metrics import BLEU

    try:
        with contextlib.redirect_stdout(sys.stderr):
            scorer = BLEU(tokenize=choices.tokenize, effective_order=True)
    except (Exception, SystemExit) as error:  # a package that is missing, a model that cannot be downloaded
        package = TOKENIZER_PACKAGES[choices.tokenize[:2]]
        more = f" {OWN_MODEL}" if package == "sentencepiece" else ""
        raise ScriptError(f"--tokenize {choices.tokenize}: {started_with(package)}{more}") from error
    found = [scorer.sentence_score(item.value or "", item.references) for item in choices.watch(items, "BLEU")]
    features = np.array([[*score.counts, *score.totals, score.sys_len, score.ref_len] for score in found])
    return features, [score.score for score in found]


def corpus_bleu(sums: np.ndarray) -> float:
    """BLEU from sums over a corpus, with sacrebleu's default smoothing."""
    from sacrebleu.metrics import BLEU

    whole = sums.astype(int).tolist()
    return BLEU.compute_bleu(whole[:4], whole[4:8], whole[8], whole[9], smooth_method="exp").score


def score_bleu(items: Sequence[Item], metric: Metric, choices: Choices) -> Scores:
    """Corpus BLEU (Papineni et al. 2002) as sacrebleu gives it; an item's own value is its sentence BLEU."""
    features, values = bleu_features(items, choices)
    settings = f"case:mixed|eff:no|tok:{choices.tokenize}|smooth:exp"
    value = corpus_bleu(features.sum(axis=0))
    more = {"parameters": {"signature": signature(items, settings), "tokenize": choices.tokenize}}
    if choices.tokenize in ("13a", "intl", "none"):
        more["notes"] = unspaced_note(items, metric, "see --tokenize zh, ja-mecab, char, or chrf")
    return corpus_scores(features, "bleu", value, values, items, metric, choices, **more)


def signature(items: Sequence[Item], settings: str) -> str:
    """What sacrebleu calls a signature: all that decides its score."""
    counts = {len(item.references) for item in items}
    references = counts.pop() if len(counts) == 1 else "var"
    return f"nrefs:{references}|{settings}|version:{importlib.metadata.version('sacrebleu')}"


def score_chrf(items: Sequence[Item], metric: Metric, choices: Choices) -> Scores:
    """Corpus chrF (Popovic 2015) as sacrebleu gives it; an item's own value is its sentence chrF.

    The two methods with an underscore are the ones that sacrebleu's own bootstrap is made of.
    """
    import numpy as np
    from sacrebleu.metrics import CHRF

    words = 2 if metric.name == "chrf++" else 0
    scorer = CHRF(word_order=words)
    features = np.array(
        [
            scorer._extract_corpus_statistics([item.value or ""], [[reference] for reference in item.references])[0]
            for item in choices.watch(items, "chrF")
        ]
    )

    value = scorer._aggregate_and_compute(features.tolist()).score
    parameters = {"signature": signature(items, f"case:mixed|eff:yes|nc:6|nw:{words}|space:no")}
    own = FORMULAS["chrf"].compute(features)
    return corpus_scores(features, "chrf", value, own, items, metric, choices, parameters=parameters)


def score_ter(items: Sequence[Item], metric: Metric, choices: Choices) -> Scores:
    """Corpus translation edit rate (Snover et al. 2006) as sacrebleu gives it; an item's own value is its rate."""
    import numpy as np
    from sacrebleu.metrics import TER

    scorer = TER()
    sizes = [max(len(text.split()) for text in (item.value or "", *item.references)) for item in items]
    if max(sizes, default=0) > MOST_TER_WORDS:
        raise ScriptError(
            f"ter: item {single_line(items[sizes.index(max(sizes))].id)[:60]} has {max(sizes):,} words, and its search "
            f"for moved words has no end above some {MOST_TER_WORDS}: score sentence by sentence, or by chrf or bleu"
        )
    rows, began = [], time.process_time()
    for item in choices.watch(items, "TER"):
        rows += scorer._extract_corpus_statistics([item.value or ""], [[reference] for reference in item.references])
        if (spent := time.process_time() - began) > allowed(MOST_TER_SECONDS):
            slow = f"{len(rows):,} of {len(items):,} items took {spent:,.0f} s, as long texts of moved words do"
            raise too_much("ter", f"{slow}: score sentence by sentence, or by chrf or bleu")
    features = np.array(rows, float)
    if not features[:, 1].any():
        raise ScriptError("ter: all references are empty")
    value = scorer._aggregate_and_compute(features.tolist()).score
    own = [scorer._compute_score_from_stats(row).score for row in features.tolist()]
    more = {"parameters": {"signature": signature(items, "case:lc|tok:tercom|norm:no|punct:yes|asian:no")}}
    more["notes"] = unspaced_note(items, metric, "see cer or chrf")
    return corpus_scores(features, "percent_ratio", value, own, items, metric, choices, **more)


def lcs_f_measure(reference: Sequence[str], said: Sequence[str]) -> float:
    """ROUGE-L of two texts in words: the F1 of their longest common subsequence, as rouge-score's table gives it.

    By Hyyro's bit vectors (2004, "Bit-parallel LCS-length computation revisited"): memory of one text and not of a
    table of both.
    """
    places: dict[str, int] = {}
    for i, word in enumerate(reference):
        places[word] = places.get(word, 0) | 1 << i
    every = (1 << len(reference)) - 1
    free = every  # bit i: no subsequence of length i + 1 ends at word i
    for word in said:
        common = free & places.get(word, 0)
        free = (free + common) | (free - common)
    length = len(reference) - (free & every).bit_count()
    return 2 * length / (len(reference) + len(said)) if length else 0.0


def score_rouge(items: Sequence[Item], metric: Metric, choices: Choices) -> Scores:
    """The mean ROUGE F-measure (Lin 2004) as rouge-score gives it, of the best reference.

    It reads the letters a to z and digits only: an item cannot be scored whose references are mostly of others.
    """
    from rouge_score import rouge_scorer, tokenizers

    kind = {"rouge-l": "rougeL", "rouge-lsum": "rougeLsum"}.get(metric.name, metric.name.replace("-", ""))
    tokenizer = tokenizers.DefaultTokenizer(choices.stemmer)
    scorer = rouge_scorer.RougeScorer([kind], tokenizer=tokenizer)
    values, reasons = [], {}
    for i, item in enumerate(choices.watch(items, "ROUGE")):
        references, said = [tokenizer.tokenize(text) for text in item.references], tokenizer.tokenize(item.value or "")
        if not any(references) or not all(map(is_latin, item.references)):
            reasons[i] = "most letters of a reference are none of a to z, which are all that rouge-score reads"
            values.append(math.nan)
        elif kind == "rougeL":
            values.append(max(lcs_f_measure(reference, said) for reference in references))
        elif kind == "rougeLsum" and max(map(len, references)) * len(said) > MOST_OF_TABLE:
            reasons[i] = f"too long for {metric.name}: a table of {max(map(len, references)):,} x {len(said):,} words"
            values.append(math.nan)
        else:
            values.append(scorer.score_multi(item.references, item.value or "")[kind].fmeasure)
    return mean_scores(values, items, metric, reasons=reasons, parameters={"stemmer": choices.stemmer})


def started_with(*packages: str) -> str:
    """The command that has this script's packages and some more."""
    return f"{run_line('score_predictions.py', *(word for name in packages for word in ('--with', name)))} ..."


def whisper_normalizer(name: str | None) -> Callable[[str], str]:
    """OpenAI's published text normalizers of Whisper, by the package whisper-normalizer; else the text as it is."""
    if name not in ("whisper", "whisper-en"):
        return lambda text: text
    try:
        from whisper_normalizer.basic import BasicTextNormalizer
        from whisper_normalizer.english import EnglishTextNormalizer
    except ImportError as error:
        raise ScriptError(f"--normalize {name}: {started_with('whisper-normalizer>=0.1.12,<0.2')}") from error
    return EnglishTextNormalizer() if name == "whisper-en" else BasicTextNormalizer()


def is_latin(text: str) -> bool:
    """Whether at least half of the letters are a to z; also where there are none."""
    letters = [c for c in text if c.isalpha()]
    return 2 * sum(c.isascii() for c in letters) >= len(letters)


def is_unspaced(text: str) -> bool:
    """Whether most letters are of a script that does not part words: Chinese, Japanese, Thai, Lao."""
    letters = [c for c in text if c.isalpha()]
    foreign = sum("\u3040" <= c <= "\u30ff" or "\u3400" <= c <= "\u9fff" or "\u0e00" <= c <= "\u0eff" for c in letters)
    return foreign * 2 > len(letters)


def unspaced_note(items: Sequence[Item], metric: Metric, other: str) -> list[str]:
    """A note where words are split at spaces and references are in a script that has none."""
    seen = items[:: max(1, len(items) // SEEN_ITEMS)]
    count = sum(any(map(is_unspaced, item.references)) for item in seen)
    if count <= MANY_UNSPACED * len(seen):
        return []
    which = "most of the references do" if 2 * count > len(seen) else f"{count} of {len(seen)} references do"
    return [f"{metric.name} splits words at spaces, which {which} not have: {other}"]


def error_counter(metric: Metric, choices: Choices) -> Callable[[str, str], tuple[int, int]]:
    """A function from reference and hypothesis to (errors, length of the reference), in words or characters."""
    import jiwer

    steps = [jiwer.ToLowerCase(), jiwer.RemovePunctuation()] if choices.normalize == "basic" else []
    steps += [jiwer.RemoveMultipleSpaces(), jiwer.Strip()]
    normalizer = whisper_normalizer(choices.normalize)
    words = metric.name == "wer"
    last = jiwer.ReduceToListOfListOfWords() if words else jiwer.ReduceToListOfListOfChars()
    transform = jiwer.Compose([*steps, last])
    process = jiwer.process_words if words else jiwer.process_characters

    def count(reference: str, hypothesis: str) -> tuple[int, int]:
        # White space of any kind separates words; jiwer alone splits at spaces and takes a no-break space for a letter.
        reference, hypothesis = (" ".join(normalizer(text).split()) for text in (reference, hypothesis))
        if not reference:
            return len(hypothesis.split() if words else hypothesis), 0
        found = process(reference, hypothesis, transform, transform)
        errors = found.substitutions + found.deletions + found.insertions
        return errors, found.hits + found.substitutions + found.deletions

    return count


def surface_of(items: Sequence[Item], metric: Metric, choices: Choices, value: float) -> tuple[dict[str, Any], list]:
    """(the score without case and punctuation, which published rates leave out, for the record; a note where much of
    the errors is that)."""
    if choices.normalize is not None:
        return {}, []
    known = [item for item in items[:SEEN_ITEMS] if item.value]
    plain, folded = (
        [
            sum(column)
            for column in zip(*(count(only_reference(item, metric), item.value) for item in known), strict=True)
        ]
        for count in (error_counter(metric, replace(choices, normalize=form)) for form in (None, "basic"))
    )
    if not known or not folded[1] or not plain[0] or not plain[1]:
        return {}, []
    rate = folded[0] / folded[1]
    details = otherwise(value * rate / (plain[0] / plain[1]), "without case and punctuation (--normalize)")
    if plain[0] - folded[0] < max(MUCH_SURFACE * plain[0], 0.01 * plain[1]):
        return details, []
    return details, [
        f"{metric.name}: case and punctuation alone make {number(1 - folded[0] / plain[0], 2)} of the errors; without "
        f"them it is {number(rate)}: --normalize basic, or whisper, as published rates mostly have it"
    ]


def score_error_rate(items: Sequence[Item], metric: Metric, choices: Choices) -> Scores:
    """All errors over all words (characters) of the references, as jiwer aligns them; an item's value is its rate."""
    import numpy as np

    count = error_counter(metric, choices)
    wanted = [only_reference(item, metric) for item in items]
    found = [
        count(reference, item.value or "")
        for item, reference in zip(choices.watch(items, metric.name.upper()), wanted, strict=True)
    ]
    features = np.array(found)
    if not features[:, 1].any():
        raise ScriptError(f"{metric.name}: all references are empty")
    empty = np.flatnonzero(features[:, 1] == 0)
    inserted = int(features[empty, 0].sum())
    # The rate of an item with an empty reference: 0, or 1 where something was said; the corpus counts each insertion.
    values = np.where(features[:, 1] > 0, features[:, 0] / np.maximum(features[:, 1], 1), features[:, 0] > 0)
    scores = corpus_scores(
        features, "ratio", float(features[:, 0].sum() / features[:, 1].sum()), values, items, metric, choices,
        parameters={"normalize": choices.normalize},
        details={"errors": int(features[:, 0].sum()), "reference_length": int(features[:, 1].sum()),
                 "empty_references": len(empty)},
        notes=unspaced_note(items, metric, "see cer") if metric.name == "wer" else [],
    )  # fmt: skip
    details, surface = surface_of(items, metric, choices, scores.value)
    notes = [*scores.notes, *surface]
    if inserted:
        notes.append(f"{metric.name}: {inserted} of the errors are answers to {len(empty)} empty references")
    return replace(scores, notes=notes, details={**scores.details, **details})


# --- parts/metrics/measure.py -----------------------------------------------------------------------------------------


def scored_count(scores: Scores) -> int:
    """How many items the score is of."""
    return len(scores.items) - len(scores.reasons)


def counts_of(measurement: Measurement) -> dict[str, Any]:
    """What is counted beside the score, in the words that the readers of records know."""
    scores = measurement.scores
    counts = {"unparsed": len(measurement.unparsed), "unscored": len(scores.reasons)}
    if measurement.counted_as_wrong:
        counts["unparsed_counted_as_wrong"] = measurement.counted_as_wrong
    if measurement.metric.family in ("text", "plain", "any"):
        counts["empty"] = empty_count(scores.items)
    return counts | dict(scores.details)


def empty_line(measurement: Measurement) -> str | None:
    """What is said where so many answers are empty that no comparison uses the score unless it is told to."""
    empty, made = counts_of(measurement).get("empty", 0), len(measurement.scores.items) + len(measurement.unparsed)
    if empty <= MANY * made:
        return None
    return (
        f"{measurement.metric.name}: {empty} of {made} answers are empty, more than {MANY:.0%}: no reader uses it; "
        "where these are the model's answers, compare_results.py does with max_invalid: "
        f"{math.ceil(100 * empty / made) / 100:g} in its policy"
    )


def lost_line(measurement: Measurement) -> str | None:
    """What is said where more answers have no score than a valid run may lose: no reader uses such a score. Ratings and
    votes that were not given are not lost."""
    metric, counts = measurement.metric, counts_of(measurement)
    if metric.family in ("ratings", "votes"):
        return None
    lost, made = counts["unparsed"] + counts["unscored"], len(measurement.scores.items) + len(measurement.unparsed)
    if counts.get("no_value", 0) * made > lost * counts.get("attempts", 1):
        lost, made = counts["no_value"], counts["attempts"]
    if lost <= MANY * made:
        return None
    wrong = ", or --unparsed-as-wrong where a missing answer is a wrong one" if metric.worst else ""
    return (
        f"{metric.name} {number(measurement.scores.value)} is of the rest: {lost} of {made} answers have no score. "
        f"More than {MANY:.0%} say nothing of the whole, and no reader uses it: complete the predictions{wrong}"
    )


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


# --- parts/metrics/figures.py -----------------------------------------------------------------------------------------

MOST_BARS, MOST_MODELS = 40, 40
LIGHT, DARK = "#9ecae1", "#08519c"


def draw_diagram(measurement: Measurement, title: str, items: Sequence[Item] = ()) -> Any:
    """A reliability diagram: what was right against what was stated, with intervals, above how many items say so."""
    from matplotlib.figure import Figure

    rows = measurement.scores.breakdown
    figure = Figure(figsize=(6, 6.5), layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    left, width = [row["from"] for row in rows], [row["to"] - row["from"] for row in rows]
    top.bar(left, [row["right"] for row in rows], width, align="edge", color="#9ecae1", edgecolor="#3182bd")
    middle, right = [row["confidence"] for row in rows], [row["right"] for row in rows]
    errors = [
        [max(0.0, row["right"] - row["low"]) for row in rows],
        [max(0.0, row["high"] - row["right"]) for row in rows],
    ]
    top.errorbar(middle, right, errors, fmt="o", color="#08519c", capsize=3, label="right, 95 % interval (Wilson)")
    top.plot([0, 1], [0, 1], "--", color="#636363", label="perfectly calibrated")
    scores = measurement.scores
    found = f"{measurement.metric.name} {scores.value:.4f}, n = {scored_count(scores)}"
    top.set(ylabel="share that was right", xlim=(0, 1), ylim=(0, 1), title=f"{title}\n{found}")
    figure.legend(loc="outside lower center", ncols=2)
    bottom.bar(left, [row["items"] for row in rows], width, align="edge", color="#bdbdbd", edgecolor="#636363")
    bottom.set(xlabel="stated probability", ylabel="items")
    return figure


def draw_ratings(measurement: Measurement, title: str, items: Sequence[Item] = ()) -> Any:
    """The mean rating of each system with its interval, and how often each rating was given."""
    from matplotlib.figure import Figure

    scores = measurement.scores
    own = {"name": "all", "score": scores.value, "low": scores.spread.low, "high": scores.spread.high}
    rows = sorted(scores.breakdown or [own], key=lambda row: row["score"])[-MOST_MODELS:]
    figure = Figure(figsize=(9, max(3.5, 0.35 * len(rows) + 2)), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    draw_intervals(left, rows, f"{measurement.metric.name}, 95 % intervals")
    counts = Counter(float(item.value.value) for item in scores.items if item.value is not None)
    values = sorted(counts)
    if len(values) > MOST_BARS:
        right.hist(list(counts.elements()), MOST_BARS // 2, color=LIGHT, edgecolor=DARK)
    else:
        width = min((b - a for a, b in itertools.pairwise(values)), default=1.0)
        right.bar(values, [counts[value] for value in values], 0.8 * width, color=LIGHT, edgecolor=DARK)
    right.set(xlabel="rating of the scored system", ylabel="how often")
    figure.suptitle(f"{title}\nn = {scored_count(scores)} ratings")
    return figure


def draw_intervals(axes: Any, rows: Sequence[Any], label: str) -> None:
    """A line for each system or model: its score and its interval, where it has one."""
    places = range(len(rows))
    for place, row in zip(places, rows, strict=True):
        if row["low"] is not None:
            axes.plot([row["low"], row["high"]], [place, place], color=DARK, linewidth=2)
    axes.plot([row["score"] for row in rows], list(places), "o", color=DARK)
    axes.set_yticks(list(places), [str(row["name"]) for row in rows])
    axes.set(xlabel=label)
    axes.grid(alpha=0.3, axis="x")


def draw_votes(measurement: Measurement, title: str, items: Sequence[Item]) -> Any:
    """How often the model of a row won against that of a column; the ratings with their intervals where there are."""
    import numpy as np
    from matplotlib.figure import Figure

    scores = measurement.scores
    won = shares_won(items)
    names = [row["name"] for row in scores.breakdown] or sorted({name for pair in won for name in pair})
    names = names[:MOST_MODELS]
    table = np.array([[won.get((a, b), (np.nan, 0))[0] for b in names] for a in names], float)
    figure = Figure(figsize=(6 + 5 * bool(scores.breakdown), max(4, 0.4 * len(names) + 2)), layout="constrained")
    left = figure.subplots(1, 2)[0] if scores.breakdown else figure.subplots()
    image = left.imshow(table, cmap="RdBu", vmin=0, vmax=1)
    left.set_xticks(range(len(names)), names, rotation=45, ha="right")
    left.set_yticks(range(len(names)), names)
    for i, a in enumerate(names):
        for j, b in enumerate(names):
            if (a, b) in won and len(names) <= 15:
                share, count = won[a, b]
                left.text(j, i, f"{share:.2f}\n{count}", ha="center", va="center", fontsize=7)
    left.set(title="share of votes won by the row (number)")
    figure.colorbar(image, ax=left)
    if scores.breakdown:
        rows = [row for row in reversed(scores.breakdown) if row["name"] in names]
        draw_intervals(figure.axes[1], rows, f"{measurement.metric.name} ({measurement.metric.unit}), 95 % intervals")
    figure.suptitle(title)
    return figure


def shares_won(items: Sequence[Item]) -> dict[tuple[str, str], tuple[float, int]]:
    """(share of the votes that the first won against the second, how many) of each pair of models, both ways round."""
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    for vote in (item.value for item in items if item.value is not None):
        found[vote.a, vote.b].append(vote.share)
        found[vote.b, vote.a].append(1 - vote.share)
    return {pair: (sum(own) / len(own), len(own)) for pair, own in found.items()}


def figure_of(measurement: Measurement) -> Callable[..., Any] | None:
    """What draws a measurement (with its title, and all items of its family); None for one that has no figure."""
    if measurement.metric.name in NORMS:
        return draw_diagram
    if measurement.metric.name in ("mos", "mushra"):
        return draw_ratings
    return draw_votes if measurement.metric.family == "votes" else None


def figure_bytes(measurement: Measurement, title: str, suffix: str, items: Sequence[Item]) -> bytes:
    """The figure as PNG or SVG; the same predictions give the same bytes."""
    metadata = {"Software": None} if suffix == ".png" else {"Date": None}
    buffer = io.BytesIO()
    with own_style():
        figure_of(measurement)(measurement, title, items).savefig(buffer, format=suffix[1:], dpi=150, metadata=metadata)
    return buffer.getvalue()


# --- parts/metrics/plans.py -------------------------------------------------------------------------------------------


def planned_lines(wanted: str, lines: Sequence[Line], model: str) -> tuple[list[Line], int]:
    """(the lines of the items that --items-of asks for, how many items that is).

    ScriptError when the plan asks nothing of this model, or a prediction of an item is missing.
    """
    limit = count_in(wanted) or limit_of_plan(wanted, model)
    ids = sorted({line.id for line in lines}, key=lambda id: hashlib.sha256(id.encode()).digest())
    if limit is None or limit >= len(ids):
        return list(lines), len(ids)  # said, too: a race's records name how many were asked
    chosen = set(ids[:limit])
    kept = [line for line in lines if line.id in chosen]
    without = [line.id for line in kept if "reference" in line.fields and "prediction" not in line.fields]
    if without and len(without) < len(lines):
        raise ScriptError(
            f"--items-of {wanted}: {len(without)} of its items have no prediction: {listing(without, 50)}"
        )
    return kept, limit


def limit_of_plan(path: str, model: str) -> int | None:
    """How many items a plan's next round asks of a model; None for all."""
    plan = read_json(Path(path))
    asked = plan.get("next") if isinstance(plan, dict) else None
    if not isinstance(asked, dict):
        why = "the race is decided" if isinstance(plan, dict) and "next" in plan else "no plan of --plan-next --json"
        raise ScriptError(f"--items-of {path}: {why}, so it asks for no items")
    names, limit = asked.get("checkpoints"), asked.get("limit")
    if not isinstance(names, list) or not (limit is None or (isinstance(limit, int) and limit > 0)):
        raise ScriptError(f"--items-of {path}: its next round has no checkpoints or no number of items")
    if not any(model == str(name) or model.endswith(f"/{name}") for name in names):
        raise ScriptError(f"--items-of {path}: it asks nothing of {model}, but of {listing(map(str, names), 20)}")
    return limit


# --- parts/metrics/raters.py ------------------------------------------------------------------------------------------

FEW_RATINGS = 8  # of a rater, below which nothing is said of him
REVERSED = 0.01  # one-sided level of a correlation with the others below 0
HASTY = 1 / 3  # of the usual time for a rating
TIME_FIELDS = ("seconds", "time", "duration")


def without_raters(items: Sequence[Item], choices: Choices) -> list[Item]:
    """The ratings of all raters but those of --without-raters; ScriptError for one who is not there."""
    names = {item.value.rater for item in items} - {None}
    unknown = sorted(set(choices.without_raters) - names)
    if unknown:
        raise ScriptError(
            f"--without-raters: nobody is called {listing(unknown)}; there are {listing(sorted(names), 20)}"
        )
    kept = [item for item in items if item.value.rater not in choices.without_raters]
    if not kept:
        raise ScriptError("--without-raters: nobody is left")
    return kept


def odd_rater_lines(items: Sequence[Item], low: float, high: float) -> list[str]:
    """What is odd about each rater of numbers between low and high, one line for each thing."""
    by_rater: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        if item.value.rater is not None and not isinstance(item.value.value, str):
            by_rater[item.value.rater].append(item)
    every = [item.value.value for own in by_rater.values() for item in own]
    if len(by_rater) < 2 or min(every) == max(every):
        return []
    wide = max(every) - min(every) > 0.75 * (high - low)
    usual = median(times) if (times := [t for item in items if (t := seconds_of(item)) is not None]) else None
    lines = []
    for rater, own in sorted(by_rater.items()):
        if len(own) < FEW_RATINGS:
            continue
        values = [item.value.value for item in own]
        if min(values) == max(values):
            lines.append(f"rater {rater} gave {number(values[0], 2)} in all {len(values)} ratings")
            continue
        if wide and len(values) >= 2 * FEW_RATINGS and max(values) - min(values) <= (high - low) / 2:
            ends = f"{number(min(values), 2)} to {number(max(values), 2)} of {low:g} to {high:g}"
            lines.append(f"rater {rater} used {ends} alone in {len(values)} ratings")
        if (found := correlation_with_others(own, by_rater)) is not None:
            lines.append(
                f"rater {rater} orders against the others (Spearman {number(found, 2)}): is his scale reversed?"
            )
        taken = [t for item in own if (t := seconds_of(item)) is not None]
        if usual and taken and median(taken) < HASTY * usual:
            lines.append(f"rater {rater} took {number(median(taken), 1)} s for a rating, all took {number(usual, 1)} s")
    return lines


def seconds_of(item: Item) -> float | None:
    """How long a rating took, where its line says it in seconds."""
    told = dict(item.more)
    for name in TIME_FIELDS:
        try:
            return float(told[name])
        except (KeyError, ValueError):
            continue
    return None


def correlation_with_others(own: Sequence[Item], by_rater: dict[str, list[Item]]) -> float | None:
    """The rank correlation of a rater with the mean of the others on what they have rated, too, where it is shown to be
    below 0; else None."""
    from scipy import stats

    means: dict[tuple[str, str | None], list[float]] = defaultdict(list)
    rater = own[0].value.rater
    for name, given in by_rater.items():
        for item in given if name != rater else ():
            means[item.value.item, item.value.system].append(item.value.value)
    pairs = [
        (item.value.value, math.fsum(others) / len(others))
        for item in own
        if (others := means.get((item.value.item, item.value.system)))
    ]
    if len(pairs) < FEW_RATINGS or len({pair[1] for pair in pairs}) < 2 or len({pair[0] for pair in pairs}) < 2:
        return None
    found = stats.spearmanr(*zip(*pairs, strict=True), alternative="less")
    return float(found.statistic) if found.pvalue < REVERSED else None


def position_bias(items: Sequence[Item], metric: Metric) -> tuple[dict[str, Any], list[str]]:
    """(share of wins of what is shown first at equal strength, with its interval; lines about it).

    From the pairs of models that were shown in both orders: the mean of the shares that the first one won in each of
    the two, in which the strengths cancel; pairs are weighted by the inverse variance that independent votes have. A
    vote of both orders has no such bias, and one of an unknown order tells of none.
    """
    orders: dict[tuple[str, str], list[float]] = defaultdict(list)
    for item in items:
        if not item.value.orders:
            orders[item.value.a, item.value.b].append(item.value.share)
    if not orders:
        unsaid = any(item.value.orders == "unknown" for item in items)
        why = f"{metric.name}: which answer was shown first is not said, so a bias for the first cannot be told apart"
        return {}, [why] if unsaid else []
    total = weight = 0.0
    for (a, b), first in orders.items():
        second = orders.get((b, a))
        if a < b and second:
            precision = 16 / (1 / len(first) + 1 / len(second))  # of votes with a variance of at most 1/4
            total += precision * (math.fsum(first) / len(first) + math.fsum(second) / len(second)) / 2
            weight += precision
    if not weight:
        return {}, [
            f"{metric.name}: each pair was shown in one order only, so a bias for the first cannot be told apart"
        ]
    share, half = total / weight, TWO_SIDED_Z / math.sqrt(weight)
    found = {"first_wins": share, "first_wins_low": max(0.0, share - half), "first_wins_high": min(1.0, share + half)}
    if abs(share - 0.5) <= half:
        return found, []
    ends = f"{number(found['first_wins_low'])} to {number(found['first_wins_high'])}"
    return found, [
        f"{metric.name}: what is shown first wins {number(share)} of the votes at equal strength ({ends}): show pairs "
        "in both orders equally often"
    ]


# --- parts/metrics/ratings.py -----------------------------------------------------------------------------------------

LEVELS = ("nominal", "ordinal", "interval", "ratio")


def rating_range(items: Sequence[Item], choices: Choices, default: tuple[float, float]) -> tuple[float, float]:
    """The ends of the scale; ScriptError for a rating that is no number on it."""
    low, high = choices.rating_range or default
    wrong = [item for item in items if isinstance(item.value.value, str) or not low <= item.value.value <= high]
    check_problems([
        (item.line, f"the rating {item.value.value!r} is not on the scale of {low:g} to {high:g} (--rating-range)")
        for item in wrong
    ])  # fmt: skip
    return low, high


def rating_spread(items: Sequence[Item], low: float, high: float) -> Spread:
    """The uncertainty of a mean rating: clustered by item and by rater, where both are known and there are several."""
    import numpy as np

    values = np.array([float(item.value.value) for item in items])
    return mean_spread(values, ways_of_sharing(items), low, high)


def score_mos(items: Sequence[Item], metric: Metric, choices: Choices) -> Scores:
    """The mean opinion score: the mean of all ratings (ITU-T P.800), on 1 to 5 unless --rating-range says otherwise."""
    every = without_raters(items, choices)
    items = of_system(every, choices) if any(item.value.system for item in every) else every
    low, high = rating_range(every, choices, (1, 5))
    values = [float(item.value.value) for item in items]
    parameters = {"rating_range": f"{low:g} to {high:g}", "system": next((i.value.system for i in items), None)}
    parameters |= left_out(choices)
    notes = [f"{metric.name}: {line}" for line in odd_rater_lines(every, low, high)]
    more = {"details": rating_counts(items), "parameters": parameters, "notes": notes}
    names = sorted({item.value.system for item in every} - {None})
    if len(names) > 1:
        more["breakdown"] = [
            system_row(name, [i for i in every if i.value.system == name], low, high) for name in names
        ]
    return mean_scores(values, items, metric, low=low, high=high, spread=rating_spread(items, low, high), **more)


def left_out(choices: Choices) -> dict[str, str]:
    """The raters that were left out on request, as a parameter of the score."""
    return {"without_raters": ", ".join(sorted(choices.without_raters))} if choices.without_raters else {}


def rating_counts(items: Sequence[Item]) -> dict[str, int]:
    """How many items and raters there are."""
    raters = {item.value.rater for item in items} - {None}
    return {"rated_items": len({item.value.item for item in items})} | ({"raters": len(raters)} if raters else {})


def chosen_system(names: Iterable[str], choices: Choices) -> str:
    """Which of some systems or models is the one that is scored: --system, else the model's id, or its last part."""
    names = set(names)
    wanted = [choices.system] if choices.system else [choices.model, choices.model.rsplit("/", 1)[-1]]
    found = next((name for name in wanted if name in names), None)
    if found is None:
        raise ScriptError(f"which one is {choices.model}? --system with one of {listing(sorted(names), 20)}", code=3)
    return found


def of_system(items: Sequence[Item], choices: Choices) -> list[Item]:
    """The ratings of the scored system; every rating must say which one it is of."""
    check_problems([(item.line, "no 'system', though other lines have one") for item in items if not item.value.system])
    system = chosen_system((item.value.system for item in items if item.value.system), choices)
    return [item for item in items if item.value.system == system]


def odd_raters(items: Sequence[Item], choices: Choices) -> dict[str, str]:
    """Raters whom ITU-R BS.1534-3 (4.1.2) leaves out, with the reason: they often did not hear the hidden reference.

    That is: below 90 for it in more than 15 % of the items; with --mid-anchor also above 90 for that one.
    """
    rules = [(choices.hidden_reference, lambda rating: rating < LOW_RATING, f"the hidden reference below {LOW_RATING}")]
    if choices.mid_anchor:
        rules.append((choices.mid_anchor, lambda rating: rating > HIGH_RATING, f"the anchor above {HIGH_RATING}"))
    found: dict[str, str] = {}
    for system, is_odd, words in rules:
        by_rater: dict[str, list[bool]] = defaultdict(list)
        for item in items:
            if item.value.system == system:
                by_rater[item.value.rater].append(is_odd(item.value.value))
        if not by_rater:
            hint = "name it with --hidden-reference, or say --no-screening"
            raise ScriptError(f"mushra: no rating of {system!r}, by which raters are screened; {hint}", code=3)
        for rater, odd in by_rater.items():
            if sum(odd) / len(odd) > MOST_ODD:
                found.setdefault(rater, f"rated {words} in {sum(odd)} of {len(odd)} items")
    return found


def score_mushra(items: Sequence[Item], metric: Metric, choices: Choices) -> Scores:
    """The mean MUSHRA rating of a system (ITU-R BS.1534-3), after screening by the hidden reference: the ratings of who
    is screened out are no part of it, and none that were lost."""
    check_problems([
        (item.line, "mushra needs item, rater and system") for item in items
        if item.value.rater is None or item.value.system is None
    ])  # fmt: skip
    items = without_raters(items, choices)
    low, high = rating_range(items, choices, (0, 100))
    out = odd_raters(items, choices) if choices.screening else {}
    kept = [item for item in items if item.value.rater not in out]
    mine = [item for item in of_system(items, choices) if item.value.rater not in out]
    if not mine:
        raise ScriptError("mushra: screening leaves no rater; look at the hidden reference, or say --no-screening")
    values = [float(item.value.value) for item in mine]
    spread = rating_spread(mine, low, high)
    details = rating_counts(mine) | {"screened_out": len(out)}
    parameters = {"screening": "ITU-R BS.1534-3, hidden reference" if choices.screening else "none"}
    parameters |= {"mid_anchor": choices.mid_anchor} if choices.screening and choices.mid_anchor else {}
    parameters |= left_out(choices)
    notes = [f"mushra: rater {rater} is screened out: {reason}" for rater, reason in sorted(out.items())]
    notes += [f"mushra: {line}" for line in odd_rater_lines(kept, low, high)]
    table = [system_row(name, [i for i in kept if i.value.system == name], low, high)
             for name in sorted({item.value.system for item in kept})]  # fmt: skip
    return mean_scores(
        values, mine, metric, low=low, high=high, spread=spread, parameters=parameters, details=details,
        breakdown=table, notes=notes,
    )  # fmt: skip


def system_row(name: str, items: Sequence[Item], low: float, high: float) -> dict[str, Any]:
    """One system of a listening test."""
    spread = rating_spread(items, low, high)
    mean = math.fsum(float(item.value.value) for item in items) / len(items)
    return {"name": name, "score": mean, "low": spread.low, "high": spread.high, "ratings": len(items)}


def score_krippendorff(items: Sequence[Item], metric: Metric, choices: Choices) -> Scores:
    """Krippendorff's alpha of the raters; bootstrap over items. An item's own value: its share of equal pairs."""
    import numpy as np

    items = without_raters(items, choices)
    if choices.system is not None:
        items = of_system(items, choices)
    words = any(isinstance(item.value.value, str) for item in items)
    level = choices.level or ("nominal" if words else None)
    if level is None:
        raise ScriptError(f"krippendorff: how do the ratings compare? --level with one of {', '.join(LEVELS)}", code=3)
    if words and level != "nominal":
        raise ScriptError(f"krippendorff: --level {level} takes numbers, the ratings are words")
    by_unit: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        by_unit["/".join(filter(None, (item.value.item, item.value.system)))].append(item)
    rated = {name: given for name, given in by_unit.items() if len(given) > 1}
    domain = sorted({text_of(i.value.value, "") if words else i.value.value for given in rated.values() for i in given})
    if len(domain) < 2:
        raise ScriptError("krippendorff: no item with two ratings, or all ratings are equal: alpha is not defined")
    column = {value: i for i, value in enumerate(domain)}
    table = np.zeros((len(rated), len(domain)), int)
    for row, given in enumerate(rated.values()):
        for item in given:
            table[row, column[text_of(item.value.value, "") if words else item.value.value]] += 1
    first = [
        given[0]._replace(id=name, outputs=tuple(o for i in given for o in i.outputs)) for name, given in rated.items()
    ]
    scores = agreement_scores(table, list(range(len(domain))) if words else domain, level, first, metric, choices)
    labels = Counter(text_of(item.value.value, "") for item in items)
    shown = ", ".join(f"{label!r}: {count}" for label, count in labels.most_common(20))
    more = {"rated_once": len(by_unit) - len(rated), "labels": shown}
    notes = [*scores.notes, f"krippendorff: {len(labels)} labels: {shown}"] if words else scores.notes
    parameters = {**scores.parameters, "system": choices.system, **left_out(choices)}
    return replace(scores, details={**scores.details, **more}, notes=notes, parameters=parameters)


def agreement_scores(
    table: np.ndarray, domain: Sequence[float], level: str, items: Sequence[Item], metric: Metric, choices: Choices
) -> Scores:
    """Alpha of an (items, values) table of how often each value was given."""
    import krippendorff
    import numpy as np

    def alpha(counts: np.ndarray) -> float:
        drawn = np.repeat(cells.rows, np.asarray(counts).astype(int), axis=0)
        if (drawn.sum(axis=0) > 0).sum() < 2:
            return math.nan  # one value only: nothing could differ
        return float(krippendorff.alpha(value_counts=drawn, value_domain=domain, level_of_measurement=level))

    groups = groups_of(items)
    cells = cells_of(table, groups)
    value = alpha(cells.counts)
    spread = unit_words(draws_spread(value, bootstrap(cells, alpha, choices), cells.units, coefficient=True), groups)
    given = table.sum(axis=1)
    values = (table * (table - 1)).sum(axis=1) / (given * (given - 1))
    return Scores(value, items, values, spread, {}, {"level": level}, {"ratings": int(given.sum())})


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


# --- parts/metrics/oddities.py ----------------------------------------------------------------------------------------

COMPARED = ("accuracy", "exact-match", "f1-binary", "f1-macro", "f1-micro", "mcc")  # text by text
MANY_ODD = 0.02  # share of the items
LABEL_SIGNS = {",": 0.25, ";": 0.25, "|": 0.25, " ": 0.5}  # between labels of a list -> share of texts that are lists
MISSING_AS_TEXT = {"nan", "none", "null", "n/a", "<na>", "nil", "undefined"}
TIMED_OR_MARKED = re.compile(
    r"<\|[^|<>]{1,40}\|>|\[\d\d:\d\d[\d:.,]*(?:\s*-->\s*[\d:.,]+)?\]|\d\d:\d\d:\d\d[.,]\d+\s*-->"
)
SURE_ERRORS = 6.0  # standard errors of an agreement by chance
RENAMED = (0.4, 0.8)  # the least kappa by other names of the labels: of several, of two
FEW_LABELS, ENOUGH_TEXTS = 50, 10  # so many labels may a closed set have, seen in so many items
LIST = re.compile(r"""\s*\[\s*(?:(["']).*\1)?\s*\]\s*""", re.DOTALL)


def odd_text_lines(items: Sequence[Item], metric: Metric, right: Collection[int] = ()) -> list[str]:
    """A line for each kind of writing that many answers have and references have not, with an example.

    right: the lines of the items whose answers are right as they are written.
    """
    pairs = [(item.value, item.references) for item in items if isinstance(item.value, str)]
    wrong = [(item.value, item.references) for item in items if isinstance(item.value, str) and item.line not in right]
    least = max(1, MANY_ODD * len(items))

    def found(odd: Callable[[str, Sequence[str]], str | None], words: str, among: Sequence[Any] = pairs) -> list[str]:
        shown = [example for said, wanted in among if (example := odd(said, wanted))]
        if len(shown) < least:
            return []
        return [f"{metric.name}: {len(shown)} of {len(items)} {words.format(single_line(shown[0])[:60])}"]

    stated = {reference.strip().casefold() for _, wanted in pairs for reference in wanted}
    marked = any(TIMED_OR_MARKED.search(reference) for _, wanted in pairs for reference in wanted)
    lists = sum(bool(LIST.fullmatch(said)) for said, _ in pairs)
    lines = found(
        lambda said, _: said.strip() if said.strip().casefold() in MISSING_AS_TEXT - stated else None,
        "answers read {}, as a missing one is often written: they count as answers (null is none)",
    )
    if not marked:
        lines += found(
            lambda said, _: mark[0] if (mark := TIMED_OR_MARKED.search(said)) else None,
            "answers hold marks such as {}, which no reference has: they count as text (--normalize whisper leaves out "
            "what is in brackets)",
        )
    if lists * 10 < len(pairs):
        lines += found(
            lambda _, wanted: wanted[0] if len(wanted) == 1 and LIST.fullmatch(wanted[0]) else None,
            "references read as lists in a text, {}: several right answers are a JSON list in `references`",
        )
    wanted = [item.references[0] for item in items if len(item.references) == 1]
    if metric.name in ("accuracy", "exact-match") and (listed := label_lists(wanted)):
        lines.append(
            f"{metric.name}: references read as several labels each ({listed[0]}): a text is one answer, in which the "
            f"order of labels counts; {LABEL_LINES}"
        )
    if metric.name in COMPARED:
        lines += found(
            same_but_writing,
            "answers are wrong by their writing alone, {}: write numbers, case and punctuation as the references "
            "have them",
            wrong,
        )
        if labels := wrong and labels_never_said(items):
            lines.append(
                f"{metric.name}: no answer is one of the references' {len(labels)} labels ({', '.join(labels[:5])}), "
                f"{single_line(pairs[0][0])[:60]} for instance: written in another way, they are no wrong answers "
                "(--parse takes the label out of a text)"
            )
        elif names := renamed_labels(items, right):
            shown = ", ".join(f"{said} for {wanted}" for said, wanted in sorted(names.items())[:4])
            lines.append(
                f"{metric.name}: answers fit the references by other names of the labels ({shown}) and not by their "
                "own: write both alike"
            )
    return lines


def labels_never_said(items: Sequence[Item]) -> list[str]:
    """The labels of references that are of a few, where no answer at all is one of them; else nothing."""
    texts = [item for item in items if isinstance(item.value, str)]
    wanted = {reference.strip() for item in texts for reference in item.references}
    few = len(texts) >= ENOUGH_TEXTS and len(wanted) <= min(FEW_LABELS, len(texts) // 2)
    said = {bare_text(item.value) for item in texts}
    return sorted(wanted) if few and said - {""} and not said & set(map(bare_text, wanted)) else []


def label_lists(texts: Sequence[str]) -> tuple[str, list[str]] | None:
    """(an example, the labels) where many texts are lists of a few labels, which stand in them in many ways."""
    for sign, least in LABEL_SIGNS.items():
        lists = {text: tuple(part.strip() for part in text.split(sign) if part.strip()) for text in set(texts)}
        several = [text for text in texts if len(lists[text]) > 1]
        labels = {label for own in lists.values() for label in own}
        alone = {own[0] for own in lists.values() if len(own) == 1}
        few = 2 * len(labels) <= len(set(lists.values())) or labels <= alone
        if len(several) >= max(2, least * len(texts)) and few:
            return single_line(several[0])[:60], sorted(labels)
    return None


def renamed_labels(items: Sequence[Item], right: Collection[int]) -> dict[str, str]:
    """Answer's label -> reference's, where the answers fit the references far better by other names: 1 to 4 for 0 to 3,
    two classes that changed places. Nothing where they do not, or fit by their own names at all.

    Better than chance is Cohen's kappa; a model's confusion is seldom one-to-one, of two classes it may be. right: the
    lines of the items whose answers are right as they are written.
    """
    pairs = [
        (item.value.strip(), item.references[0].strip())
        for item in items
        if isinstance(item.value, str) and len(item.references) == 1
    ]
    wanted, said = Counter(reference for _, reference in pairs), Counter(answer for answer, _ in pairs)
    if not 1 < len(wanted) <= min(FEW_LABELS, len(pairs) // 2) or not 1 < len(said) <= len(wanted):
        return {}
    together = Counter(pairs)
    names = {answer: max(sorted(wanted), key=lambda reference: together[answer, reference]) for answer in said}

    def agreement(name: Mapping[str, str]) -> tuple[float, float]:
        by_chance = sum(said[answer] * wanted[name[answer]] for answer in said) / len(pairs) ** 2
        return sum(together[answer, name[answer]] for answer in said) / len(pairs), by_chance

    own, own_chance = agreement({answer: answer for answer in said})
    own = max(own, len(right) / len(items))
    same = all(answer == name or same_but_writing(answer, [name]) for answer, name in names.items())
    found, chance = agreement(names)
    kappa = (found - chance) / (1 - chance) if chance < 1 else 0.0
    clear = (found - chance) * math.sqrt(len(pairs)) >= SURE_ERRORS * math.sqrt(chance * (1 - chance))
    fits = clear and own <= own_chance and kappa >= RENAMED[len(wanted) == 2]
    return names if fits and not same and len(set(names.values())) == len(names) else {}


def as_references_write(items: Sequence[Item], right: Collection[int]) -> list[Item]:
    """The items with answers as their references are written, where they differ in their writing alone; [] where no
    answer does. All are right ones where no answer is any of the labels.

    right: the lines of the items whose answers are right as they are written.
    """
    texts = [item for item in items if isinstance(item.value, str) and item.line not in right]
    new = {}
    if texts and labels_never_said(items):
        new = {item.line: item.references[0] for item in texts}
    elif names := renamed_labels(items, right):
        new = {item.line: names.get(item.value.strip(), item.value) for item in items if isinstance(item.value, str)}
    else:
        for item in texts:
            if shown := same_but_writing(item.value, item.references):
                new[item.line] = next(one for one in item.references if shown.endswith(f" for {one.strip()}"))
    return [item._replace(value=new.get(item.line, item.value)) for item in items] if new else []


def bare_text(text: str) -> str:
    """A text without case, and without marks around it."""
    return " ".join(text.strip(" \t\n.,;:!?\"'`*()[]{}").casefold().split())


def same_but_writing(said: str, wanted: Sequence[str]) -> str | None:
    """'1.0 for 1' where an answer equals a reference as a number or but for case and punctuation, and not as a text."""
    if said.strip() in [reference.strip() for reference in wanted]:
        return None
    bare = bare_text(said)
    for reference in wanted:
        if bare and bare == bare_text(reference):
            return f"{said.strip()} for {reference.strip()}"
        with contextlib.suppress(ValueError, OverflowError):
            if float(said.replace(",", "")) == float(reference.replace(",", "")):
                return f"{said.strip()} for {reference.strip()}"
    return None


# --- parts/metrics/classes.py -----------------------------------------------------------------------------------------


def positive_class(labels: Sequence[str], choices: Choices) -> str:
    """The positive class of two: --positive, else 1 of 0 and 1, or true of false and true. ScriptError 3: which?"""
    folded = {label.lower(): label for label in labels}
    if choices.positive is not None:
        if choices.positive not in labels:
            raise ScriptError(f"--positive {choices.positive}: the references are {listing(labels)}")
        return choices.positive
    if set(folded) <= TRUE_WORDS | FALSE_WORDS and set(folded) & TRUE_WORDS:
        return folded[(set(folded) & TRUE_WORDS).pop()]
    raise ScriptError(
        f"f1-binary: which class is the positive one? --positive with one of {listing(labels, 20)}", code=3
    )


def score_f1(items: Sequence[Item], metric: Metric, choices: Choices) -> Scores:
    """F1 of classes: those of the references. A prediction that is none of them is wrong: micro F1, which each answer
    counts for, takes it as another class; of the others, no mean has a class of it, and the score that they have where
    it counts as a class that is wrong is told beside them.
    """
    import numpy as np
    from sklearn.metrics import f1_score

    wanted, said = class_pairs(items, metric)
    labels = sorted(set(wanted))
    positive = positive_class(labels, choices) if metric.name == "f1-binary" else None
    codes = {label: code for code, label in enumerate(labels)}
    pairs = np.array([(codes[w], codes.get(s, -1)) for w, s in zip(wanted, said, strict=True)])
    classes = list(range(len(labels))) if positive is None else [codes[positive]]
    formula, statistics = "f1", list(zip(wanted, said, strict=True))
    if metric.name == "f1-micro":
        value = float(f1_score(pairs[:, 0], pairs[:, 1], average="micro", zero_division=np.nan))
        statistics = [(int(w == s), 1, 1) for w, s in statistics]
    else:
        value = float(f1_score(pairs[:, 0], pairs[:, 1], labels=classes, average="macro", zero_division=np.nan))
        if positive is None:
            formula = "f1_macro"
        else:
            statistics = [(int(w == s == positive), int(w == positive), int(s == positive)) for w, s in statistics]
    details, notes = no_class_told(pairs, said, labels, classes, metric)
    return corpus_scores(
        statistics, formula, value, pairs[:, 0] == pairs[:, 1], items, metric, choices, notes=notes,
        parameters={"classes": "those of the references", "positive": positive},
        details={"classes": len(labels), **details},
    )  # fmt: skip


def no_class_told(
    pairs: Any, said: Sequence[str | None], labels: Sequence[str], classes: Sequence[int], metric: Metric
) -> tuple[dict[str, Any], list[str]]:
    """(what a record keeps of answers that are no class, what is said of them).

    pairs: (items, 2) codes of the wanted and the said class, -1 for none. classes: the codes of the averaged ones.
    """
    others = sorted({text for text in said if text is not None} - set(labels))
    details: dict[str, Any] = {"other_predictions": sum(text in others for text in said if text is not None)}
    if metric.name == "f1-micro" or len(labels) < 2 or not (pairs[:, 1] < 0).any():
        return details, []
    value = f1_with_wrong_classes(pairs, len(labels), classes)
    details |= otherwise(value, "with answers that are no class counted as the other, wrong ones in equal parts")
    if not others:
        return details, []
    told = f"the mean over {listing(labels)}" if len(classes) > 1 else f"that of {labels[classes[0]]} alone"
    return details, [
        f"{metric.name} is {told}; predictions also name {listing(others)}, which no reference has: wrong, but no "
        f"class of the mean, so that less is said wrongly of the classes: {value:.3f} with them as wrong ones in equal "
        "parts (scikit-learn's default would average them as classes)"
    ]


def f1_with_wrong_classes(pairs: Any, count: int, classes: Sequence[int]) -> float:
    """The mean F1 of some of `count` classes, each answer that is no class as all that are wrong in equal parts."""
    import numpy as np

    wanted = np.bincount(pairs[:, 0], minlength=count)
    foreign = np.bincount(pairs[pairs[:, 1] < 0, 0], minlength=count)
    known = pairs[pairs[:, 1] >= 0]
    right = np.bincount(known[known[:, 0] == known[:, 1], 0], minlength=count)
    claimed = np.bincount(known[:, 1], minlength=count) + (foreign.sum() - foreign) / (count - 1)
    return float((2 * right / (wanted + claimed))[list(classes)].mean())


def class_pairs(items: Sequence[Item], metric: Metric) -> tuple[list[str], list[str | None]]:
    """The class that is wanted of each item, and the one that was said (None: no answer).

    ScriptError 3 where references are lists of labels, each of which would be a class.
    """
    wanted = [only_reference(item, metric).strip() for item in items]
    if found := label_lists(wanted):
        example, labels = found
        raise ScriptError(
            f"{metric.name}: the references read as several labels each ({example}), of {listing(labels)}; a text is "
            f"one class here, and the order of its labels would count: {LABEL_LINES}; if each text is one class, write "
            "it as one word",
            code=3,
        )
    return wanted, [None if item.value is None else item.value.strip() for item in items]


def score_matthews(items: Sequence[Item], metric: Metric, choices: Choices) -> Scores:
    """Matthews' correlation coefficient of the classes, by scikit-learn; an item without an answer is a class apart."""
    from sklearn.metrics import matthews_corrcoef

    wanted, said = class_pairs(items, metric)
    if len(set(wanted)) < 2:
        raise ScriptError(f"mcc: all references are {wanted[0]!r}: a correlation with one class is not defined")
    named = ["" if label is None else label for label in said]
    value, right = float(matthews_corrcoef(wanted, named)), [w == s for w, s in zip(wanted, said, strict=True)]
    details = {"classes": len({*wanted, *named})}
    return corpus_scores(
        list(zip(wanted, named, strict=True)), "mcc", value, right, items, metric, choices, details=details
    )


# --- parts/metrics/correlations.py ------------------------------------------------------------------------------------


def score_correlation(items: Sequence[Item], metric: Metric, choices: Choices) -> Scores:
    """Pearson's, Spearman's or Kendall's (tau-b) correlation of numbers with their references, by scipy.

    An item's own value is the product of its two standard scores (of the ranks, for the latter two).
    """
    import numpy as np
    from scipy import stats

    pairs = np.array([item.value for item in items], float)
    if len(pairs) < 3 or (pairs == pairs[0]).all(axis=0).any():
        raise ScriptError(f"{metric.name}: fewer than three items, or all predictions or all references are equal")
    compute: Callable[..., Any] = {"pearson": stats.pearsonr, "spearman": stats.spearmanr, "kendall": stats.kendalltau}[
        metric.name
    ]
    value = float(compute(pairs[:, 0], pairs[:, 1]).statistic)
    own = pairs if metric.name == "pearson" else stats.rankdata(pairs, axis=0)
    products = (own - own.mean(0)) / own.std(0)
    return corpus_scores(pairs, metric.name, value, products.prod(axis=1), items, metric, choices)


def score_separation(items: Sequence[Item], metric: Metric, choices: Choices) -> Scores:
    """The area under the ROC curve, or average precision, of scores of the positive class, by scikit-learn.

    An item's own value is the share of the items of the other class that it is ordered rightly against.
    """
    import numpy as np
    from sklearn.metrics import average_precision_score, roc_auc_score

    pairs = np.array([item.value for item in items], float)
    positive = int(pairs[:, 1].sum())
    if positive in (0, len(pairs)):
        raise ScriptError(f"{metric.name}: all references are of one class, so nothing can be told apart")
    measure = roc_auc_score if metric.name == "auroc" else average_precision_score
    value = float(measure(pairs[:, 1], pairs[:, 0]))
    details = {"positive": positive, "share_positive": positive / len(pairs)}
    return corpus_scores(
        pairs, metric.id, value, ordered_rightly(pairs), items, metric, choices,
        parameters={"positive": choices.positive}, details=details,
    )  # fmt: skip


def ordered_rightly(pairs: np.ndarray) -> np.ndarray:
    """For each (score, is positive) row the share of rows of the other class on its right side; equal ones half."""
    import numpy as np
    from scipy.stats import rankdata

    positive = pairs[:, 1] > 0
    overall, found = rankdata(pairs[:, 0]), np.empty(len(pairs))
    for own in (positive, ~positive):
        below = (overall[own] - rankdata(pairs[own, 0])) / (~own).sum()
        found[own] = below if own is positive else 1 - below
    return found


# --- parts/metrics/line_pairs.py --------------------------------------------------------------------------------------

# The id of a line: its first word (Kaldi's text, LJ Speech, numbered lists) or the last in brackets (sclite's .trn).
ID_PLACES = {
    "first": re.compile(r"\s*(?P<id>[^\s|,;]+)[|,;]?\s*(?P<text>.*)"),
    "last": re.compile(r"\s*(?P<text>.*?)\s*\((?P<id>[^\s()]+)\)\s*"),
}
ID_LIKE = re.compile(r"(?=\S*\d)(?=\S*[^\W\d]|\S*\w[-_]\w)(?!\d+[^\W\d_]{1,3}$)\w\S*")  # not 7, 3.5, 5kg, 2nd
MOST_WITHOUT = 0.1  # share of the lines of a file with ids that may lack one and be told
MANY_EQUAL = 20  # lines whose first words are all different and yet the same in both files: ids rather than chance
LAGS = (-1, 1, -2, 2, -3, 3)
CLEARLY = 0.2  # by how much a line's words must be nearer to a neighbour's reference
LONG_WORDS = 8  # mean length from which on a text is one without spaces
ALIKE = 0.8  # from which on a line is taken to belong to its reference
SHIFTED = 3.0  # the sum of what is beyond it, from which on lines are shifted: four with all words, or more with fewer
TELLING_WORDS = 6  # different words of a text that is hardly said by chance of another item
SAID_ELSEWHERE = 5  # lines that are the text of another item, word by word, from which on the order is in doubt


class LinesWithIds(NamedTuple):
    """Lines with their ids taken off."""

    ids: list[str]
    texts: list[str]
    sure: bool  # they look like ids, not like words
    full: bool  # most lines have a text beside it
    without: int | None  # the number of the first line that has none, where the others surely have


def lines_with_ids(lines: Sequence[str], place: str) -> LinesWithIds | None:
    """The lines as ids and texts; None where few have such an id, or many the same."""
    found = [(i, ID_PLACES[place].fullmatch(line)) for i, line in enumerate(lines, start=1) if line.strip()]
    names = [match["id"].rstrip(".:)") if match else "" for _, match in found]
    most = (1 - MOST_WITHOUT) * len(found)
    if len(found) < 2 or len(set(filter(None, names))) < most:
        return None
    digits = [name for name in names if re.fullmatch(r"\d{1,9}", name)]
    numbers = sorted(map(int, digits))
    listed = len(numbers) > 2 and numbers[0] in (0, 1) and numbers[-1] <= (1 + MOST_WITHOUT) * len(numbers)
    padded = len(set(map(len, digits))) == 1 and any(name[0] == "0" < name for name in digits)
    likely = re.compile(r"\d+") if listed or padded else ID_LIKE
    sure = sum(bool(likely.fullmatch(name)) for name in names) >= most
    pairs = zip(found, names, strict=True)
    without = next((i for (i, _), name in pairs if not likely.fullmatch(name)), None) if sure else None
    texts = [match["text"] for _, match in found if match]
    return LinesWithIds([name for name in names if name], texts, sure, sum(map(bool, texts)) * 2 >= len(texts), without)


def by_ids(
    ours: Sequence[str], theirs: Sequence[str], references: str, way: str | None, say: Callable[[str], str]
) -> tuple[LinesWithIds, LinesWithIds] | None:
    """Predictions and references without the ids that their lines have; None where they have none. ScriptError where
    one file has ids, and (3) where words may be ids. way: first, last (the place that was said) or None; say: the
    command that says what the id is."""
    places = [way] if way in ID_PLACES else ID_PLACES
    for place in places:
        one, two = lines_with_ids(ours, place), lines_with_ids(theirs, place)
        word = "first word" if place == "first" else "last word, in brackets,"
        sides = (("the predictions", one), (references, two))
        if one and two and (place == way or (one.sure and two.sure and two.full)):
            for whose, side in sides:
                if side.without:
                    raise ScriptError(f"line {side.without} of {whose} has no id, as the {word} of the others is")
            return one, two
        if place == way:
            raise ScriptError(f"--map id={way}: the {word} is not another in each line of both files")
        for (whose, side), (other, others) in (sides, sides[::-1]):
            if side and side.sure and side.full and not (others and others.sure):
                raise ScriptError(
                    f"lines of {whose} have an id, such as {side.ids[0]!r}, those of {other} have not: give them the "
                    f"same ids, or take these off; if they are words of the texts: {say(BY_PLACE)}",
                    code=3,
                )
        same = one and two and two.full and sorted(one.ids) == sorted(two.ids)
        if same and len(set(one.ids)) == len(one.ids) >= (MANY_EQUAL if one.ids == two.ids else 4):
            raise ScriptError(
                f"the {word} of each line is another, and all are in {references}: if these are ids: "
                f"{say(place)}; if they are words of the texts: {say(BY_PLACE)}",
                code=3,
            )
    return None


def line_words(lines: Sequence[str], spaced: bool) -> list[frozenset[str]]:
    """The words of each line; of texts without spaces their pairs of signs."""
    if spaced:
        return [frozenset(re.findall(r"\w+", line.casefold())) for line in lines]
    return [frozenset(map("".join, pairwise(line.strip()))) for line in lines]


def check_places(ours: Sequence[str], theirs: Sequence[str], references: str, say: Callable[[str], str]) -> None:
    """ScriptError (3) where a run of lines has the words of the references one to three lines away, and not of its own.

    For each line and lag: how much more of its words (Dice's coefficient) a neighbour's reference has than its own,
    less CLEARLY; the highest sum over a run of lines (Kadane) decides. Texts that stand often tell no place.
    """
    spaced = sum(map(len, theirs)) < LONG_WORDS * sum(len(line.split()) for line in theirs)
    said, wanted = line_words(ours, spaced), line_words(theirs, spaced)
    often = Counter(wanted)
    most = max(1, len(theirs) // 200)
    telling = [bool(text) and often[text] <= most for text in wanted]
    bound = max(SHIFTED, math.log(len(ours) or 1))  # the highest of many lines' by chance grows like this
    sums, starts = dict.fromkeys(LAGS, 0.0), dict.fromkeys(LAGS, 0)

    def nearness(i: int, j: int) -> float:
        return 2 * len(said[i] & wanted[j]) / (len(said[i]) + len(wanted[j]))

    for i, words in enumerate(said):
        if not words or not wanted[i]:
            continue
        own = nearness(i, i)
        for lag in LAGS:
            j = i + lag
            if not 0 <= j < len(wanted) or not telling[j]:
                continue
            more = (-own if own > ALIKE else nearness(i, j) - own) - CLEARLY
            if sums[lag] <= 0:
                sums[lag], starts[lag] = 0.0, i
            sums[lag] += more
            if sums[lag] > bound:
                where = "before" if lag < 0 else "after"
                told = "too many" if lag < 0 else "missing"
                raise ScriptError(
                    f"from line {starts[lag] + 1} on, a line has the words of the reference {plural(abs(lag), 'line')} "
                    f"{where} its own: {plural(abs(lag), 'line')} {told} by then (a head, a blank or lost line?), or "
                    f"the other way round in {references}; where they do belong together: {say(BY_PLACE)}",
                    code=3,
                )
    check_order(said, wanted, references, say)


def check_order(
    said: Sequence[frozenset[str]], wanted: Sequence[frozenset[str]], references: str, say: Callable[[str], str]
) -> None:
    """ScriptError (3) where whole texts are those of other items, each of another one, and next to none is its own."""
    often = Counter(wanted)
    place = {text: i for i, text in enumerate(wanted) if len(text) >= TELLING_WORDS and often[text] == 1}
    hits = [(i, place[text]) for i, text in enumerate(said) if text in place]
    away = {j: i for i, j in hits if i != j}
    if len(away) >= SAID_ELSEWHERE and 20 * (len(hits) - sum(i != j for i, j in hits)) <= len(away):
        j, i = next(iter(away.items()))
        raise ScriptError(
            f"another order than in {references}: {len(away):,} lines have the words of another line's reference, line "
            f"{i + 1} those of line {j + 1}. Put them in its order, or give both with ids; where they do belong "
            f"together: {say(BY_PLACE)}",
            code=3,
        )


# --- parts/metrics/joining.py -----------------------------------------------------------------------------------------

OF_REFERENCES = ("reference", "references")
# What is read of an answer, or of what was found of it: never from the file of references.
ANSWER_WORDS = (
    "prediction probability probabilities score passed n ranked ratings rating winner preference output_a output_b "
    "statistics attempt attempts scored attempt_values numerator denominator limit_hit confidence outcome"
)
NEVER_OF_REFERENCES = frozenset(ANSWER_WORDS.split())


def joined_files(predictions: Path, content: bytes, references: Path, columns: Columns) -> tuple[bytes, bytes, Columns]:
    """(JSON Lines of both, the references' bytes, the columns with what --map says done). Of references it is about
    their file, of all else but the id about the predictions'."""
    judged = input_bytes(references, MAX_SAMPLES)
    ours, theirs = (file_texts(path, data) for path, data in ((predictions, content), (references, judged)))
    if (ours is None) != (theirs is None):
        kinds = ["plain lines" if texts is not None else "rows" for texts in (ours, theirs)]
        raise ScriptError(
            f"{kinds[0]}, and {references} has {kinds[1]}: both as plain lines of equal count, or both with an id"
        )
    if ours is not None:
        rows = rows_of_lines(ours, theirs, references, columns)
    else:
        own = {ours: theirs for ours, theirs in columns.mapped.items() if ours not in OF_REFERENCES}
        more = {ours: columns.mapped[ours] for ours in ("id", *OF_REFERENCES) if ours in columns.mapped}
        rows = by_id(
            [renamed(row, own) for row in file_rows(predictions, content, columns)],
            [renamed(row, more) for row in file_rows(references, judged, columns)],
            references,
            columns,
        )
    done = {role: name for role, name in columns.mapped.items() if name == NO_FIELD and (role != "id" or ours is None)}
    command = with_map(columns, columns.mapped)
    text = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    return text.encode(), judged, columns._replace(mapped=done, command=command)


def with_map(columns: Columns, mapped: Mapping[str, str]) -> str:
    """The command with what --map says."""
    words = [f"{ours}={theirs}" for ours, theirs in mapped.items()]
    return f"{columns.command} {command_line_of(['--map', *words])}" if words else columns.command


def rows_of_lines(
    ours: Sequence[str], theirs: Sequence[str], references: Path, columns: Columns
) -> list[dict[str, Any]]:
    """Lines by the ids that they have in both files, which is said, else by their place where as many as the others."""

    def say(way: str) -> str:
        return with_map(columns, columns.mapped | {"id": way})

    way = columns.mapped.get("id")
    placed = way in (BY_PLACE, NO_FIELD)
    if not placed and (found := by_ids(ours, theirs, str(references), way, say)):
        one, two = found
        rows = [
            [{"id": name, field: text} for name, text in zip(side.ids, side.texts, strict=True)]
            for side, field in ((one, "prediction"), (two, "reference"))
        ]
        words = f"if they are words of the texts: {say(BY_PLACE)}"
        try:
            joined = by_id(*rows, references, columns)
        except ScriptError as error:
            raise ScriptError(f"{error}; {words}", error.code) from error
        note(f"note: lines are joined by their ids, such as {one.ids[0]}, which are no part of the texts; {words}")
        return joined
    if len(ours) != len(theirs):
        raise ScriptError(
            f"{plural(len(ours), 'line')}, and {references} has {len(theirs):,}: which belong together is not "
            "known; give both with an id (JSON Lines)"
        )
    if not placed:
        check_places(ours, theirs, str(references), say)
    pairs = zip(ours, theirs, strict=True)
    return [{"id": str(i), "prediction": a, "reference": b} for i, (a, b) in enumerate(pairs, start=1)]


def file_texts(path: Path, content: bytes) -> list[str] | None:
    """The lines of a file of plain texts, a blank one being an empty text; None for a file of rows."""
    if is_table(path) or path.suffix.lower() in (".json", ".jsonl", ".ndjson"):
        return None
    try:
        lines = content.decode("utf-8-sig").replace("\r\n", "\n").split("\n")
    except UnicodeDecodeError as error:
        raise ScriptError(f"{path}: no text in UTF-8 (byte {error.start})") from error
    first = next((line for line in lines if line.strip()), "")
    if first.lstrip().startswith("{") and isinstance(object_in(first), dict):
        return None
    return lines[:-1] if not lines[-1] else lines


def file_rows(path: Path, content: bytes, columns: Columns) -> list[dict[str, Any]]:
    """The rows of a table, a list or JSON Lines; an empty cell is absent, of a prediction what --empty-cells says."""
    at = 0
    try:
        if is_table(path):
            mark = "\t" if path.suffix.lower() == ".tsv" else ","
            table = csv.DictReader(io.StringIO(content.decode("utf-8-sig")), delimiter=mark, strict=True)
            check_columns(path, table.fieldnames or ())
            return [filled_cells(row, columns) for row in sheet_lines(table) if any(row.values())]
        if path.suffix.lower() == ".json":
            rows = list(rows_of_document(strict_json(content)))
        else:
            rows = []
            for line in content.removeprefix(b"\xef\xbb\xbf").split(b"\n"):
                at += 1
                rows += [strict_json_line(line)] if line.strip() else []
    except (ValueError, csv.Error) as error:
        raise ScriptError(f"{path}{f', line {at}' if at else ''}: {error}") from error
    if bad := next((i for i, row in enumerate(rows, start=1) if not isinstance(row, dict)), None):
        raise ScriptError(f"{path}: row {bad} is no object with an id")
    return rows


def filled_cells(row: Mapping[Any, Any], columns: Columns) -> dict[str, Any]:
    """A table's row without its empty cells, but for a prediction that is said to be empty."""
    if None in row or None in row.values():
        raise ValueError(f"a row with another number of cells than the first: {list(row.values())[:3]}")
    name = columns.mapped.get("prediction", "prediction")
    if row.get(name) == "" and columns.empty is None:
        raise ScriptError(
            f"empty cells of {name}: {columns.command} --empty-cells answer, or --empty-cells missing", code=3
        )
    kept = {column: cell for column, cell in row.items() if cell != ""}
    return kept if row.get(name) != "" else kept | {name: "" if columns.empty == "answer" else None}


def by_id(
    rows: Sequence[Mapping[str, Any]], judged: Sequence[Mapping[str, Any]], references: Path, columns: Columns
) -> list[dict[str, Any]]:
    """Each prediction's row with the fields of its reference's; ScriptError for an id of one file alone, one that
    stands twice among the references, and for a field that the files have with unlike values."""
    named = [row_names(rows, "the predictions", columns), row_names(judged, str(references), columns)]
    found = dict(zip(named[1], judged, strict=True))
    if len(found) < len(judged):
        twice = next(name for i, name in enumerate(named[1]) if name in named[1][:i])
        raise ScriptError(f"{references} has the id {twice!r} twice: which is the reference?")
    without, unused = (
        [name for name in dict.fromkeys(one) if name not in set(two)] for one, two in (named, named[::-1])
    )
    told = [f"without a reference in {references}: {len(without):,} ({listing(without, 3)})"] if without else []
    told += [f"of {references} without a prediction: {len(unused):,} ({listing(unused, 3)})"] if unused else []
    if told:
        raise ScriptError(f"not the same ids: {'; '.join(told)}: complete the one, or take them out of the other")
    made = []
    for name, row in zip(named[0], rows, strict=True):
        other = {field: value for field, value in found[name].items() if field != "id"}
        if unlike := [field for field in other if field in row and row[field] != other[field]]:
            ways = {**columns.mapped, "prediction": unlike[0], "reference": unlike[0]}
            words = command_line_of(["--map", *(f"{ours}={theirs}" for ours, theirs in ways.items())])
            raise ScriptError(
                f"{listing(unlike)}: in both files, and other values in {references}: whose is which? For instance "
                f"{columns.command} {words}",
                code=3,
            )
        if answers := sorted(field for field in other if field in NEVER_OF_REFERENCES and field not in row):
            words = command_line_of(["--map", "prediction=COLUMN"])
            raise ScriptError(
                f"{listing(answers)}: in {references} alone, which is of references: what a model answered is to be in "
                f"its own file. Is it called otherwise there ({listing(sorted(row), 6)}): {columns.command} {words}; "
                f"else take {listing(answers)} out of {references}",
                code=3,
            )
        row = {**other, **row}
        if "prediction" in row and "reference" in row:
            one, two = row["prediction"], row["reference"]
            row |= {"prediction": number_like(one, two), "reference": number_like(two, one)}
        made.append(row)
    return made


def number_like(value: Any, other: Any) -> Any:
    """A text, as tables have all, as a number where it is held against one: "1.0" beside 1."""
    if not isinstance(value, str) or isinstance(other, bool) or not isinstance(other, int | float):
        return value
    found = object_in(value.strip())
    return found if isinstance(found, int | float) and not isinstance(found, bool) else value


def row_names(rows: Sequence[Mapping[str, Any]], whose: str, columns: Columns) -> list[str]:
    """The ids of rows; ScriptError (3) where there are none, with the columns that there are."""
    if lost := next((i for i, row in enumerate(rows, start=1) if "id" not in row), None):
        names = list(dict.fromkeys(str(name) for row in rows for name in row))
        there = f"row {lost} of {whose} has no id; its columns are {listing(names, 12)}"
        raise ScriptError(f"{there}: say which is the id: {columns.command} --map id=COLUMN", code=3)
    try:
        return [name_of(row["id"], "id") for row in rows]
    except ValueError as error:
        raise ScriptError(f"{whose}: {error}") from error


# --- parts/metrics/records.py -----------------------------------------------------------------------------------------

SCORER_VERSION = "1"  # changes when the same predictions would get another score


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a record says beside its scores."""

    subject: Subject
    benchmark: str
    shots: int | None
    reading: Mapping[str, Any]  # how answers were read from predictions: decides scores, so readers compare it
    source: Mapping[str, Any]
    library: Mapping[str, str]
    now: int
    temperature: float | None = None
    sampling_seed: int | None = None  # of the answers, not of the draws here
    limit: int | None = None  # how many of the items were asked, where not all were
    answers: KeptAnswers | None = None  # of an evaluation, which says more than a file of predictions


def result_id(run: Evaluation, metric: Metric) -> str:
    """The stable id of a result: `<task>|<shots>/<metric>`, without shots where they are not known."""
    return f"{run.benchmark}{'' if run.shots is None else f'|{run.shots}'}/{metric.name}"


def uncertainty_of(scores: Scores) -> dict[str, Any]:
    """A record's uncertainty: what there is of standard error and interval, with the methods."""
    spread, found = scores.spread, {"num_samples": scored_count(scores)}
    if spread.standard_error is not None:
        found["standard_error"] = {"value": spread.standard_error, "method": spread.error_method}
    if spread.low is not None:
        bounds = {"lower": spread.low, "upper": spread.high, "confidence_level": CONFIDENCE}
        found["confidence_interval"] = bounds | {"method": spread.method}
    if spread.draws:
        found["num_bootstrap_samples"] = spread.draws
    return found


def metric_config(measurement: Measurement) -> dict[str, Any]:
    """What a record says of a metric."""
    metric, scores = measurement.metric, measurement.scores
    low, high = bounds_of(measurement)
    library = f"{metric.library} {library_version(metric.library)}" if metric.library else None
    config = {
        "metric_id": metric.id,
        "metric_name": metric.name,
        "metric_unit": metric.unit,
        "lower_is_better": metric.lower_is_better,
        "min_score": low,
        "max_score": high,
        "metric_parameters": {name: value for name, value in scores.parameters.items() if value is not None},
        "additional_details": strings(
            {"aggregation": metric.aggregation, "library": library, "statistics": scores.formula or None}
        ),
    }
    if low is not None and high is not None:
        config["score_type"] = "continuous"
    return {name: value for name, value in config.items() if value not in (None, {})}


def bounds_of(measurement: Measurement) -> tuple[float | None, float | None]:
    """The range of a metric, as the data decided it where they do."""
    metric, scores = measurement.metric, measurement.scores
    return (metric.low if scores.low is None else scores.low), (metric.high if scores.high is None else scores.high)


def library_version(name: str) -> str:
    """The installed version of a package."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def result_of(run: Evaluation, measurement: Measurement) -> dict[str, Any]:
    """One result of a record."""
    scores = measurement.scores
    details = counts_of(measurement)
    parameters = {name: value for name, value in scores.parameters.items() if value is not None}
    scoring = json.dumps(parameters, sort_keys=True) if parameters else None  # here the readers look for differences
    if scores.breakdown:
        details["breakdown"] = json.dumps(scores.breakdown, ensure_ascii=False)
    return {
        "evaluation_result_id": result_id(run, measurement.metric),
        "evaluation_name": run.benchmark,
        "source_data": dict(run.source),
        "metric_config": metric_config(measurement),
        "score_details": {"score": scores.value, "details": strings(details), "uncertainty": uncertainty_of(scores)},
        "generation_config": {
            **({"generation_args": {"temperature": run.temperature}} if run.temperature is not None else {}),
            "additional_details": strings(
                {
                    "few_shot": run.shots,
                    "limit": run.limit,
                    "seed": run.sampling_seed,
                    **run.reading,
                    "scoring": scoring,
                }
            ),
        },
    }


def record_of(run: Evaluation, measurements: Sequence[Measurement]) -> dict[str, Any]:
    """A record without its reference to the samples file."""
    more = {"deployment_type": "unknown", "model_availability": "unknown"}
    record = {
        "schema_version": SCHEMA_VERSION,
        "evaluation_id": f"{slug(run.benchmark)}/{run.subject.id}/{run.now}",
        "evaluation_timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(run.now)),
        "retrieved_timestamp": str(run.now),
        "source_metadata": {
            "source_name": PREDICTIONS_WRITER,
            "source_type": "evaluation_run",
            "source_organization_name": "unknown",
            "evaluator_relationship": "third_party",
        },
        "model_info": {
            "name": run.subject.name,
            "id": run.subject.id,
            "developer": run.subject.developer,
            "additional_details": more | dict(run.subject.details),
        },
        "eval_library": {
            "name": "score_predictions",
            "version": SCORER_VERSION,
            "additional_details": dict(run.library),
        },
        "evaluation_results": [result_of(run, measurement) for measurement in measurements],
    }
    return record if run.answers is None else run.answers.told(record)


def sample_of(item: Item) -> dict[str, Any]:
    """The part of a sample that does not depend on the metric; sample_hash is null without prompt and reference."""
    hashed = (item.prompt or "") + "".join(item.references)
    return {
        "sample_id": item.id,
        "sample_hash": hashlib.sha256(hashed.encode()).hexdigest() if hashed else None,
        "input": {"raw": item.prompt or "", "reference": item.references},
        "output": {"raw": item.outputs},
        "answer_attribution": [],
        "metadata": sample_metadata(item),
    }


def sample_metadata(item: Item) -> dict[str, str]:
    """What tells repeats and groups apart, what the prompt was, and what else the metric used."""
    found = {**dict(item.more), "cluster_id": item.group, "attempt": item.attempt}
    if item.prompt is not None:
        found["prompt_hash"] = hashlib.sha256(item.prompt.encode()).hexdigest()[:16]
    match item.value:
        case Forecast():
            found["confidence"] = repr(item.value.confidence)
        case Rating():
            found["rater"] = item.value.rater
        case Vote():
            found |= {"opponent": item.value.b, "rater": item.value.rater}
    return {name: value for name, value in found.items() if value is not None}


def extraction_of(item: Item, choices: Choices) -> list[dict[str, Any]]:
    """What --parse found in the prediction."""
    if choices.pattern is None or not isinstance(item.value, str):
        return []
    row = {"turn_idx": 0, "source": "output.raw", "extracted_value": item.value}
    return [row | {"extraction_method": "regex", "is_terminal": True}]


def sample_lines(
    run: Evaluation, record: Mapping[str, Any], measurement: Measurement, choices: Choices
) -> Iterator[bytes]:
    """The lines of the samples file about one result, in the order of the predictions.

    What is the same in every line is written once: a million lines take seconds that way.
    """
    import orjson

    same = {
        "schema_version": SCHEMA_VERSION,
        "evaluation_id": record["evaluation_id"],
        "model_id": run.subject.id,
        "evaluation_name": run.benchmark,
        "evaluation_result_id": result_id(run, measurement.metric),
        "interaction_type": "single_turn",
    }
    prefix = orjson.dumps(same)[:-1] + b","
    best = best_value(measurement)
    for item, value, reason, statistic in choices.watch(scored_items(measurement), "writing samples"):
        row = sample_of(item)
        if statistic is not None:
            row["metadata"]["statistics"] = json.dumps(statistic, ensure_ascii=False)
        row["answer_attribution"] = extraction_of(item, choices)
        row["evaluation"] = {"score": value, "is_correct": reason is None and value == best}
        if reason is not None:
            row["error"] = reason
        row = row if run.answers is None else run.answers.told_sample(row)
        yield prefix + orjson.dumps(row)[1:] + b"\n"


def scored_items(measurement: Measurement) -> list[tuple[Item, float, str | None, Any]]:
    """All items with their values, and their statistics where there are; 0 and the reason for those without.

    Those of an unparsed one are of an empty answer: what its reference adds, in no score.
    """
    scores = measurement.scores
    statistics = map(whole_numbers, scores.statistics) if scores.formula else itertools.repeat(None, len(scores.items))
    pairs = enumerate(zip(scores.items, scores.values.tolist(), statistics, strict=True))
    found = [
        (item, 0.0 if i in scores.reasons else value, scores.reasons.get(i), statistic)
        for i, (item, value, statistic) in pairs
    ]
    if not measurement.unparsed:
        return found
    empty = map(whole_numbers, scores.empty or [()] * len(measurement.unparsed))
    unparsed = ((item, 0.0, "unparsed", own or None) for item, own in zip(measurement.unparsed, empty, strict=True))
    return sorted([*found, *unparsed], key=lambda row: row[0].line)


def whole_numbers(values: Sequence[Any]) -> list[Any]:
    """Values with whole numbers written as such."""
    return [int(value) if isinstance(value, float) and value.is_integer() else value for value in values]


def best_value(measurement: Measurement) -> float | None:
    """The value of a perfect item: 1 for a right answer, the end of the range else, None where there is none."""
    low, high = bounds_of(measurement)
    if measurement.metric.family == "forecast" and measurement.metric.aggregation != "mean":
        return 1.0
    return low if measurement.metric.lower_is_better else high


def data_source(args: argparse.Namespace, benchmark: str, items: int | None) -> dict[str, Any]:
    """Where the benchmark's items come from, as far as the command line says it."""
    if args.dataset is None:
        details = {"split": args.split, "revision": args.dataset_revision, "samples_number": items}
        return {"dataset_name": benchmark, "source_type": "other", "additional_details": strings(details)}
    found = {
        "dataset_name": args.dataset.split("/")[-1], "source_type": "hf_dataset", "hf_repo": args.dataset,
        "hf_split": args.split, "samples_number": items,
        "additional_details": strings({"revision": args.dataset_revision}),
    }  # fmt: skip
    return {name: value for name, value in found.items() if value is not None}


# --- parts/metrics/trec.py --------------------------------------------------------------------------------------------

UPSIDE_DOWN = 0.9  # share of neighbours in rank whose scores rise, from which on a run is upside down
WEBMUSHRA = {"item": "trial_id", "rater": "session_uuid", "system": "rating_stimulus", "rating": "rating_score"}


def trec_columns(text: str, what: str, wanted: int) -> list[tuple[int, list[str]]]:
    """(number, columns) of the lines; ScriptError for one with another number of columns."""
    found = [(i, line.split()) for i, line in enumerate(text.splitlines(), start=1) if line.strip()]
    for i, columns in found:
        if len(columns) != wanted:
            raise ScriptError(f"{what}, line {i}: {wanted} columns are expected: {single_line(' '.join(columns))[:60]}")
    return found


def trec_number(text: str, what: str, line: int) -> float:
    """A finite number of a column."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ScriptError(f"{what}, line {line}: {single_line(text)[:40]!r} is no number")
    return value


def trec_rows(run: str, judged: str) -> list[dict[str, Any]]:
    """A row for each judged query: its documents from the highest score down, equal ones by name from the last (as
    trec_eval orders them), and the grades. Of a judged query that the run lacks nobody knows whether it found nothing
    or was never asked: `ranked` is None. A query that is not judged is left out."""
    grades: dict[str, dict[str, float]] = {}
    for i, (query, _, document, grade) in trec_columns(judged, "the judgements", 4):
        own = grades.setdefault(query, {})
        if document in own:
            raise ScriptError(f"the judgements, line {i}: {query} {document} is judged twice")
        own[document] = max(0.0, trec_number(grade, "the judgements", i))
    found: dict[str, dict[str, float]] = {}
    places: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for i, (query, _, document, rank, score, _) in trec_columns(run, "the run", 6):
        own = found.setdefault(query, {})
        if document in own:
            raise ScriptError(f"the run, line {i}: {query} has {document} twice")
        own[document] = trec_number(score, "the run", i)
        with contextlib.suppress(ValueError):
            places[query].append((float(rank), own[document]))
    check_ranks(places)
    if not set(grades) & set(found):
        raise ScriptError("the run has none of the judged queries")
    rows = []
    for query, relevant in grades.items():
        scores = found.get(query, {})
        ranked = sorted(scores, key=lambda name, scores=scores: (scores[name], name), reverse=True)
        rows.append({"id": query, "ranked": ranked or None, "relevant": relevant})
    return rows


def check_ranks(places: Mapping[str, Sequence[tuple[float, float]]]) -> None:
    """ScriptError where nearly all scores of a run rise from rank to rank, as distances do; takes (rank, score) pairs.
    As trec_eval does, documents are ordered by score; ranks that say nothing (all 0) contradict none."""
    near = [(a[1], b[1]) for own in places.values() for a, b in pairwise(sorted(own)) if a[0] < b[0] and a[1] != b[1]]
    rising = sum(one < two for one, two in near)
    found = f"the run's scores contradict its ranks: {rising:,} of {len(near):,} rise with the rank"
    if near and rising >= UPSIDE_DOWN * len(near):
        raise ScriptError(
            f"{found}, and documents are ordered by score, the highest first. If they are distances, negate them: "
            "awk '{$5 = -$5} 1' RUN > negated.run; if the ranks are wrong, write 0 for each"
        )
    if rising > (1 - UPSIDE_DOWN) * len(near):
        note(f"note: {found}; the scores count, as in trec_eval")


def absent_notes(lines: Sequence[Line], choices: Choices) -> list[str]:
    """What is said of judged queries that a run lacks."""
    absent = [line.id for line in lines if line.fields["ranked"] is None]
    if not absent:
        return []
    found = f"{len(absent)} of {len(lines)} judged queries are not in the run ({listing(absent, 5)})"
    if choices.unparsed_as_wrong:
        return [f"{found}: counted as 0"]
    way = "where the run was asked them and found nothing, --unparsed-as-wrong counts them as 0 (trec_eval -c)"
    return [f"{found}: the score is of the others; complete the run, or {way}"]


def listening_row(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """A row of webMUSHRA's CSV in the words of a predictions file, its page's time in seconds; any other as it is."""
    if not set(WEBMUSHRA.values()) <= row.keys() or {"item", "rating"} & row.keys():
        return row
    made = {name: row[theirs] for name, theirs in WEBMUSHRA.items()}
    if row.get("rating_time"):
        made["seconds"] = str(float(row["rating_time"]) / 1000)
    return made


# --- parts/statistics/votes.py ----------------------------------------------------------------------------------------

TOGETHER_DRAWS = 20_000  # for intervals that hold together


def gap_evidence(gap: float, error: float, freedom: float, metric: str, votes: float) -> Student:
    """What the gap of two scores of one file shows, to a comparison and a leaderboard; votes: of the one with less.

    Corrected for continuity by what half a vote between the two is worth, so that few votes do not tell too much.
    """
    return Student(gap, error, freedom, slack=1 / max(votes, 1.0) if metric == "win_rate" else error**2 / 2)


def gap_statistic(evidence: Student) -> float:
    """The statistic of the test of no gap as that of a normal variable."""
    return math.copysign(float(critical_value(max(two_sided_p(evidence), 1e-300) / 2)), evidence.mean)


@dataclass(frozen=True, slots=True)
class RatingErrors:
    """How far off Bradley-Terry ratings may be: their covariances by single votes, and by each way of sharing.

    groups: how many raters, or prompts, there are, for each way of sharing.
    """

    single: np.ndarray
    shared: Sequence[np.ndarray]
    groups: Sequence[int]

    def of(self, contrasts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(standard errors, degrees of freedom) of (k, models) contrasts of the ratings.

        The variances of all ways less that of single votes, which are counted in each, and never below that (Cameron,
        Gelbach and Miller 2011); degrees of freedom by Satterthwaite, at least those of the way with fewest groups.
        """
        import numpy as np

        single, *shared = [
            np.maximum(np.einsum("ki,ij,kj->k", contrasts, part, contrasts), 0) for part in (self.single, *self.shared)
        ]
        if not shared:
            return np.sqrt(single), np.full(len(contrasts), np.inf)
        free = [count - 1 for count in self.groups]
        total = np.maximum(sum(shared) - (len(shared) - 1) * single, single)
        parts = sum(variance**2 / own for variance, own in zip(shared, free, strict=True))
        freedom = np.where(parts > 0, total**2 / np.where(parts > 0, parts, 1.0), np.inf)
        if min(free) == 1:  # two raters who agree by chance would hide how far raters differ
            freedom = np.ones(len(contrasts))
        return np.sqrt(total), np.maximum(freedom, min(free))

    def together(self, contrasts: np.ndarray, seed: int) -> np.ndarray:
        """(k,) half-widths of intervals of contrasts that hold together with 95 %: the quantile of the largest |t|, by
        draws of normal variables (max-t, Hothorn, Bretz and Westfall 2008)."""
        import numpy as np
        from scipy import special

        largest, noise = [], np.random.default_rng(seed).standard_normal((TOGETHER_DRAWS, len(contrasts)))
        for part in (self.single, *self.shared):
            covariance = contrasts @ part @ contrasts.T
            scale = np.sqrt(np.maximum(covariance.diagonal(), 1e-300))
            values, vectors = np.linalg.eigh(covariance / scale / scale[:, None])
            drawn = noise @ (vectors * np.sqrt(np.maximum(values, 0))).T
            largest.append(float(np.quantile(np.abs(drawn).max(1), CONFIDENCE)))
        errors, freedom = self.of(contrasts)
        level = float(special.ndtr(-max(*largest, float(critical_value((1 - CONFIDENCE) / 2)))))
        return errors * critical_value(level, freedom)


def rating_errors(cells: np.ndarray, ratings: np.ndarray, ways: Sequence[Any]) -> RatingErrors:
    """The errors of maximum-likelihood ratings of votes (a, b, share of a), which share something by `ways`.

    The sandwich of the joint model (Liang and Zeger 1986): what each vote, or the votes of one group, pull at the
    ratings. Residuals are divided by the root of 1 - leverage (MacKinnon and White 1985, HC2), since few votes of a
    model are fitted too well; G groups count with G / (G - 1). No draw is left without a rating, as bootstrap draws are
    in which somebody won always.
    """
    import numpy as np

    a, b, share = cells[:, 0].astype(int), cells[:, 1].astype(int), cells[:, 2]
    chance = 1 / (1 + np.exp(ratings[b] - ratings[a]))
    weight, models = chance * (1 - chance), len(ratings)
    met = np.bincount(a * models + b, weight, models**2).reshape(models, models)
    met = met + met.T
    bread = np.linalg.pinv(np.diag(met.sum(1)) - met, hermitian=True)
    leverage = weight * (bread[a, a] + bread[b, b] - 2 * bread[a, b])
    pull = (share - chance) / np.sqrt(np.maximum(1 - leverage, 1e-3))
    return errors_of_pulls(a, b, pull, -pull, bread, ways)


def rate_errors(cells: np.ndarray, models: int, ways: Sequence[Any]) -> tuple[np.ndarray, RatingErrors]:
    """(each model's share of its votes, how far off they are together): a vote counts for both its models."""
    import numpy as np

    a, b, share = cells[:, 0].astype(int), cells[:, 1].astype(int), cells[:, 2]
    count = np.bincount(a, minlength=models) + np.bincount(b, minlength=models)
    rates = (np.bincount(a, share, models) + np.bincount(b, 1 - share, models)) / np.maximum(count, 1)
    bread = np.diag(1 / np.sqrt(np.maximum(count * (count - 1.0), 1.0)))
    return rates, errors_of_pulls(a, b, share - rates[a], 1 - share - rates[b], bread, ways)


def errors_of_pulls(a: Any, b: Any, at_a: Any, at_b: Any, bread: np.ndarray, ways: Sequence[Any]) -> RatingErrors:
    """The sandwiches of what each vote pulls at its two models, alone and added up in groups."""
    import numpy as np
    from scipy import sparse

    def covariance(group: Any, count: int, times: float) -> np.ndarray:
        places = np.concatenate([group, group]), np.concatenate([a, b])
        sums = sparse.csr_array((np.concatenate([at_a, at_b]), places), shape=(count, len(bread)))
        return times * bread @ (sums.T @ sums).toarray() @ bread

    groups = [int(way.max()) + 1 for way in ways]
    shared = [covariance(way, count, count / (count - 1)) for way, count in zip(ways, groups, strict=True)]
    return RatingErrors(covariance(np.arange(len(a)), len(a), 1.0), shared, groups)


# --- parts/metrics/votes.py -------------------------------------------------------------------------------------------

MOST_LOGIT = 12.0  # of a vote's fitted chance; beyond, the fit runs away to infinity
FEW_VOTES = 5  # won, or lost, below which a win rate's error cannot be told from it
PRIOR_DEVIATION = 5.0  # of the coefficients in the draws of lc-win-rate


def as_seen_by(model: str, vote: Vote) -> Vote:
    """The vote with `model` as its first side."""
    if vote.a == model:
        return vote
    return Vote(vote.b, vote.a, 1 - vote.share, None if vote.longer is None else -vote.longer, vote.rater, vote.orders)


def own_votes(items: Sequence[Item], choices: Choices, opponent: str | None = None) -> list[Item]:
    """The votes that the scored model (--system) is in, all or those against one opponent, from its side."""
    model = chosen_system((name for item in items for name in item.value[:2]), choices)
    own = [item._replace(value=as_seen_by(model, item.value)) for item in items if model in item.value[:2]]
    others = sorted({item.value.b for item in own})
    if opponent is not None and opponent not in others:
        raise ScriptError(f"--opponent {opponent}: {model} met {listing(others, 20)}")
    return own if opponent is None else [item for item in own if item.value.b == opponent]


def vote_counts(own: Sequence[Item]) -> dict[str, Any]:
    """Wins, ties and losses; and what other scores of the same votes are compared by: system, votes won of how many
    against each opponent, design effect of the votes' groups."""
    import numpy as np

    shares = [item.value.share for item in own]
    counts = {"wins": sum(s > 0.5 for s in shares), "ties": shares.count(0.5), "losses": sum(s < 0.5 for s in shares)}
    against: dict[str, list[float]] = {}
    for item in own:
        won = against.setdefault(item.value.b, [0.0, 0])
        won[0], won[1] = won[0] + item.value.share, won[1] + 1
    ways, effect = ways_of_sharing(own), 1.0
    if ways and len(set(shares)) > 1:
        effect = (sharing_error(np.array(shares), ways) / sharing_error(np.array(shares))) ** 2
    shared = {"system": own[0].value.a, "against": json.dumps(against, ensure_ascii=False), "design_effect": effect}
    return counts | {"opponents": len(against)} | shared


def score_win_rate(items: Sequence[Item], metric: Metric, choices: Choices) -> Scores:
    """The share of its votes that a model won; a tie is half of one."""
    import numpy as np

    own = own_votes(items, choices, choices.opponent)
    bias, notes = position_bias(items, metric)
    parameters = {"opponent": choices.opponent, "ties": "half"}
    gaps = {"gaps": json.dumps(rate_gaps(items, own[0].value.a, choices.opponent), ensure_ascii=False)}
    more = {"details": vote_counts(own) | gaps | bias, "parameters": parameters, "notes": notes}
    shares, ways = [item.value.share for item in own], ways_of_sharing(own)
    if any(item.value.rater for item in own) and ways:
        more["spread"] = mean_spread(np.array(shares), ways, metric.low, metric.high)
    return mean_scores(shares, own, metric, **more)


def rate_gaps(items: Sequence[Item], model: str, opponent: str | None) -> dict[str, list[float | None]]:
    """How far a model's win rate is above those of the others of the file, so that two scores of it can be compared.

    Of those alone that met the same others equally often, and of rates that both sides' votes tell enough of.
    """
    import numpy as np

    against: dict[str, Counter[str]] = defaultdict(Counter)
    won: dict[str, float] = defaultdict(float)
    kept = [item for item in items if opponent is None or opponent in item.value[:2]]
    for vote in (item.value for item in kept):
        for own in (vote, as_seen_by(vote.b, vote)):
            against[own.a][own.b] += 1
            won[own.a] += own.share
    names = sorted(against)
    cells = np.array([vote_cell(item.value, names) for item in kept])
    rates, errors = rate_errors(cells, len(names), ways_of_sharing(kept))
    alike = [
        name for name in names
        if name not in (model, opponent)
        and alike_opponents(model, name, against)
        and all(FEW_VOTES <= won[one] <= against[one].total() - FEW_VOTES for one in (model, name))
    ]  # fmt: skip
    votes = [against[name].total() for name in names]
    return gaps_of(model, alike, names, rates, errors, votes)


def alike_opponents(model: str, other: str, against: Mapping[str, Counter[str]]) -> bool:
    """Whether two models met the same others, apart from each other, equally often (within a tenth)."""
    own, its = ({n: c for n, c in against[one].items() if n not in (model, other)} for one in (model, other))
    return own.keys() == its.keys() and all(abs(own[n] - its[n]) <= 0.1 * max(own[n], its[n]) for n in own)


def gaps_of(
    model: str, others: Sequence[str], names: Sequence[str], scores: np.ndarray, errors: RatingErrors, votes: Any = None
) -> dict[str, list[float | None]]:
    """Model -> how far the scored one is above it, the standard error of that, its degrees of freedom (None: many), and
    the statistic of no gap. votes: of each model, where the scores are shares of them; else they are ratings.
    """
    import numpy as np

    if not others:
        return {}
    places, own = [names.index(name) for name in others], names.index(model)
    found, freedom = errors.of(np.eye(len(names))[own] - np.eye(len(names))[places])
    told, metric = {}, "win_rate" if votes is not None else "bradley_terry"
    for name, place, error, free in zip(others, places, found.tolist(), freedom.tolist(), strict=True):
        gap, least = float(scores[own] - scores[place]), min(votes[own], votes[place]) if votes is not None else 0.0
        statistic = gap_statistic(gap_evidence(gap, error, free, metric, least)) if error > 0 else None
        told[name] = [gap, error, None if math.isinf(free) else free, statistic]
    return told


def score_lc_win_rate(items: Sequence[Item], metric: Metric, choices: Choices) -> Scores:
    """The win rate that a model would have at equal lengths, against one opponent (Dubois et al. 2024, 2404.04475).

    Logistic regression of the preference on tanh(length difference / its standard deviation), read at difference 0.
    AlpacaEval 2 has the difficulty of each instruction as another covariate; that needs the votes of many models on
    the same instructions and is left out. The score is unpenalized; the interval is a bootstrap over the votes and what
    they share, whose draws have a normal prior of standard deviation 5 on both coefficients, so that each has a fit.
    """
    import numpy as np
    from scipy import special

    own = own_votes(items, choices, choices.opponent)
    others = sorted({item.value.b for item in own})
    if len(others) > 1:
        raise ScriptError(f"lc-win-rate is against one model: --opponent with one of {listing(others, 20)}", code=3)
    check_problems([
        (item.line, "lc-win-rate needs length_a and length_b, or output_a and output_b")
        for item in own if item.value.longer is None
    ])  # fmt: skip
    shares = np.array([item.value.share for item in own])
    longer = np.array([item.value.longer for item in own])
    check_overlap(shares, longer)
    lengths = np.tanh(longer / longer.std(ddof=1))
    intercept, slope = length_regression(shares, lengths)
    rate = float(special.expit(intercept))
    spread = way_draws(
        np.column_stack([shares, lengths]), own,
        lambda rows, counts: special.expit(penalized_intercept(rows, counts)), choices,
    ).spread(0, rate)  # fmt: skip
    parameters = {"covariates": "tanh(length difference / standard deviation)", "left_out": "instruction difficulty"}
    details = vote_counts(own) | {"length_coefficient": slope, "raw_win_rate": float(shares.mean())}
    return Scores(rate, own, shares, spread, {}, parameters | {"opponent": others[0]}, details)


def check_overlap(shares: np.ndarray, longer: np.ndarray) -> None:
    """ScriptError when the regression has no finite solution: one outcome only, or lengths that tell all apart."""
    won, lost = longer[shares > 0], longer[shares < 1]
    if len(longer) < 3 or longer.std() == 0:
        raise ScriptError("lc-win-rate: fewer than three votes, or all length differences are equal; see win-rate")
    if not longer.min() < 0 < longer.max():
        side = "longer" if longer.min() >= 0 else "shorter"
        raise ScriptError(
            f"lc-win-rate: the model's answers are always {side}, so nothing is known of equal lengths; see win-rate"
        )
    if not len(won) or not len(lost) or won.min() >= lost.max() or lost.min() >= won.max():
        raise ScriptError(
            "lc-win-rate: the lengths alone tell who won, or one side won always: no finite fit; see win-rate"
        )


def length_regression(shares: np.ndarray, lengths: np.ndarray) -> tuple[float, float]:
    """(intercept, coefficient of the length) of the logistic regression; ScriptError where it has no finite ones."""
    import warnings

    import numpy as np
    from statsmodels.genmod import families
    from statsmodels.genmod.generalized_linear_model import GLM

    covariates = np.column_stack([np.ones_like(lengths), lengths])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what they say is checked below
            fit = GLM(shares, covariates, family=families.Binomial()).fit(maxiter=100)
        intercept, slope = (float(value) for value in fit.params)
    except (ValueError, np.linalg.LinAlgError) as error:
        raise ScriptError(f"lc-win-rate: no fit ({single_line(error)}); see win-rate") from error
    if not math.isfinite(intercept) or np.abs(covariates @ fit.params).max() > MOST_LOGIT:
        raise ScriptError("lc-win-rate: the lengths tell who won with hardly an exception: no finite fit; see win-rate")
    return intercept, slope


def penalized_intercept(rows: np.ndarray, counts: np.ndarray) -> float:
    """The intercept of the regression over (share, length) rows that occur so often, with the prior (Newton)."""
    import numpy as np
    from scipy import special

    covariates = np.column_stack([np.ones(len(rows)), rows[:, 1]])
    found, prior = np.zeros(2), np.eye(2) / PRIOR_DEVIATION**2
    for _ in range(50):
        chance = special.expit(covariates @ found)
        slope = covariates.T @ (counts * (rows[:, 0] - chance)) - prior @ found
        step = np.linalg.solve((covariates * (counts * chance * (1 - chance))[:, None]).T @ covariates + prior, slope)
        found = found + np.clip(step, -4, 4)
        if np.abs(step).max() < 1e-9:
            break
    return float(found[0])


def win_matrix(cells: np.ndarray, counts: np.ndarray, players: int) -> np.ndarray:
    """(players, players): how often the row beat the column, a tie as half for both; cells are (a, b, share) rows."""
    import numpy as np

    a, b, share = cells[:, 0].astype(int), cells[:, 1].astype(int), cells[:, 2]
    won = np.bincount(a * players + b, counts * share, players**2)
    lost = np.bincount(b * players + a, counts * (1 - share), players**2)
    return (won + lost).reshape(players, players)


def is_connected(wins: np.ndarray) -> bool:
    """Whether everyone has, directly or by others, beaten everyone: else no finite ratings exist (Ford 1957)."""
    from scipy.sparse.csgraph import connected_components

    return connected_components(wins > 0, directed=True, connection="strong")[0] == 1


def unconnected(wins: np.ndarray, names: Sequence[str]) -> str:
    """Why there are no finite ratings: groups that never met, or the models that only won or only lost."""
    from scipy.sparse.csgraph import connected_components

    met, group = connected_components(wins + wins.T > 0, directed=False)
    if met > 1:
        return f"{met} groups of models never met: " + "; ".join(
            listing([name for name, own in zip(names, group, strict=True) if own == i]) for i in range(met)
        )
    _, part = connected_components(wins > 0, directed=True, connection="strong")
    return "one of these always won against the other, or lost: " + "; ".join(
        listing([name for name, own in zip(names, part, strict=True) if own == i]) for i in sorted(set(part))
    )


def bradley_terry(wins: np.ndarray) -> np.ndarray:
    """Maximum-likelihood ratings in logits with mean 0: P(i beats j) = 1 / (1 + exp(r_j - r_i)). By choix (I-LSR)."""
    import choix

    try:
        return choix.ilsr_pairwise_dense(wins, max_iter=10_000)
    except (RuntimeError, ValueError) as error:
        raise ScriptError(f"bradley-terry: {single_line(error)}") from error


def score_bradley_terry(items: Sequence[Item], metric: Metric, choices: Choices) -> Scores:
    """A model's Bradley-Terry rating among all models of the votes, in logits; intervals by the joint model's sandwich
    over votes and what they share: groups, raters or both.

    Zero is the mean of all ratings, or --anchor's.
    """
    import numpy as np

    refuse_opponent(metric, choices)
    names = sorted({name for item in items for name in item.value[:2]})
    model = names.index(chosen_system(names, choices))
    if choices.anchor is not None and choices.anchor not in names:
        raise ScriptError(f"--anchor {choices.anchor}: the votes are about {listing(names, 20)}")
    anchor = None if choices.anchor is None else names.index(choices.anchor)
    cells = np.array([vote_cell(item.value, names) for item in items])
    wins = win_matrix(cells, np.ones(len(cells)), len(names))
    if not is_connected(wins):
        raise ScriptError(
            f"bradley-terry: no finite ratings: {unconnected(wins, names)}; more votes are needed (win-rate needs none)"
        )
    ratings = centred(bradley_terry(wins), anchor)
    ways = ways_of_sharing(items)
    errors = rating_errors(cells, ratings, ways)
    contrasts = centred(np.eye(len(names)), anchor)
    spreads = rating_spreads(ratings, *errors.of(contrasts), cluster_counts(ways, len(items)), len(items))
    own = own_votes(items, choices)
    parameters = {"zero": "mean of all models" if anchor is None else names[anchor], "ties": "half"}
    bias, notes = position_bias(items, metric)
    others = [name for name in names if name != names[model]]
    gaps = {"gaps": json.dumps(gaps_of(names[model], others, names, ratings, errors), ensure_ascii=False)}
    rows = with_differences(rating_rows(names, ratings, spreads), names, ratings, errors, model, choices.seed)
    if len(others) > 1:
        said = "compare_results judges all pairs and metrics that it is asked for together, and may show fewer"
        notes = [*notes, f"differences are those from {names[model]} alone, held together with 95 %; {said}"]
    return Scores(
        float(ratings[model]), own, np.array([item.value.share for item in own]), spreads[model], {}, parameters,
        vote_counts(own) | {"models": len(names), "votes": len(items)} | gaps | bias, rows, notes,
    )  # fmt: skip


def rating_spreads(
    ratings: np.ndarray, errors: np.ndarray, freedom: np.ndarray, counts: Sequence[int], n: int
) -> list[Spread]:
    """The intervals of ratings; the anchor's, which is 0, has none."""
    halves = errors * critical_value((1 - CONFIDENCE) / 2, freedom)
    words = "sandwich of the joint model, " + ("Student t" if min(counts) < n else "normal") + shared_text(counts, n)
    name = "clustered" if min(counts) < n else "analytic"
    return [
        Spread(error, name, rating - half, rating + half, words)
        if error > 1e-9
        else Spread(method="none: it is the zero")
        for rating, error, half in zip(ratings.tolist(), errors.tolist(), halves.tolist(), strict=True)
    ]


def with_differences(
    rows: list[dict[str, Any]], names: Sequence[str], ratings: np.ndarray, errors: RatingErrors, model: int, seed: int
) -> list[dict[str, Any]]:
    """The rows with how far each model is ahead of the scored one, intervals that hold together with 95 % (max-t), and
    what that shows: "better", "worse" or "not told apart"."""
    import numpy as np

    others = [i for i in range(len(names)) if i != model]
    halves = errors.together(np.eye(len(names))[others] - np.eye(len(names))[model], seed).tolist()
    gaps = (ratings[others] - ratings[model]).tolist()
    told = {names[i]: (gap, gap - half, gap + half) for i, gap, half in zip(others, gaps, halves, strict=True)}
    for row in rows:
        difference, low, high = told.get(row["name"], (None, None, None))
        row |= {"difference": difference, "difference_low": low, "difference_high": high, "is": "the scored one"}
        if difference is not None:
            row["is"] = "better" if low > 0 else "worse" if high < 0 else "not told apart"
    return rows


def refuse_opponent(metric: Metric, choices: Choices) -> None:
    """ScriptError: ratings come from all votes."""
    if choices.opponent is not None:
        raise ScriptError(f"--opponent {choices.opponent}: {metric.name} rates all models by all votes; see win-rate")


def vote_cell(vote: Vote, names: Sequence[str]) -> tuple[int, int, float]:
    """A vote with its models as numbers, the smaller one first, so that who was shown first makes no difference."""
    first = min(vote.a, vote.b)
    seen = as_seen_by(first, vote)
    return names.index(seen.a), names.index(seen.b), seen.share


def centred(ratings: np.ndarray, anchor: int | None) -> np.ndarray:
    """(models, ...) ratings with the anchor's, or their mean, at 0."""
    return ratings - (ratings.mean(0) if anchor is None else ratings[anchor])


def rating_rows(names: Sequence[str], ratings: Iterable[float], spreads: Sequence[Spread]) -> list[dict[str, Any]]:
    """All rated models, the best first."""
    rows = [
        {"name": name, "score": float(rating), "low": spread.low, "high": spread.high}
        for name, rating, spread in zip(names, ratings, spreads, strict=True)
    ]
    return sorted(rows, key=lambda row: (-row["score"], row["name"]))


def elo_ratings(votes: Iterable[Vote], k: float) -> dict[str, float]:
    """Elo ratings after the votes in their order: start 1000, scale 400, base 10, K-factor k."""
    ratings: dict[str, float] = defaultdict(lambda: 1000.0)
    for vote in votes:
        a, b = ratings[vote.a], ratings[vote.b]
        change = k * (vote.share - 1 / (1 + 10 ** ((b - a) / 400)))
        ratings[vote.a], ratings[vote.b] = a + change, b - change
    return dict(ratings)


def score_elo(items: Sequence[Item], metric: Metric, choices: Choices) -> Scores:
    """A model's Elo rating after all votes in the order of the file, which decides it; so there is no interval."""
    import numpy as np

    refuse_opponent(metric, choices)
    ratings = elo_ratings((item.value for item in items), metric.k)
    own = own_votes(items, choices)
    names = sorted(ratings)
    return Scores(
        ratings[chosen_system(names, choices)], own, np.array([item.value.share for item in own]),
        Spread(method="none: it depends on the order of the votes"), {}, {"k": metric.k, "start": 1000, "scale": 400},
        vote_counts(own) | {"models": len(names), "votes": len(items)},
        rating_rows(names, [ratings[name] for name in names], [Spread()] * len(names)),
        notes=[f"{metric.name} depends on the order of the votes and has no interval; bradley-terry does not"],
    )  # fmt: skip


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


# --- parts/metrics/reading.py -----------------------------------------------------------------------------------------

PESQ_MODES = {8_000: "nb", 16_000: "wb"}  # ITU-T P.862 and P.862.2
# The lowest MOS-LQO: of a raw score of -0.5 by the mappings of P.862.1 and P.862.2.
SILENT = {
    8_000: 0.999 + 4 / (1 + math.exp(1.4945 * 0.5 + 4.6607)),
    16_000: 0.999 + 4 / (1 + math.exp(1.3669 * 0.5 + 3.8224)),
}


def apply_metric(metric: Metric, items: Sequence[Item], choices: Choices) -> Measurement:
    """A metric over the items of its family; the unparsed ones are left out, or the worst answers when asked for."""
    as_wrong = choices.unparsed_as_wrong and metric.worst
    unparsed = [item for item in items if item.value is None]
    kept = list(items) if as_wrong else [item for item in items if item.value is not None]
    if not kept:
        raise ScriptError(f"{metric.name}: none of the {len(items)} predictions could be parsed, so there is no score")
    base = metric.name.partition("@")[0]
    score = score_custom if metric.family == "any" else SCORERS[base]
    scores = score(kept, metric, choices)
    if not math.isfinite(scores.value):
        raise ScriptError(f"{metric.name} is not defined on these predictions (it is {scores.value})")
    right = {item.line for item, value in zip(scores.items, scores.values, strict=True) if value == 1}
    notes = [*scores.notes, *(odd_text_lines(kept, metric, right) if metric.family == "text" else [])]
    if metric.name in COMPARED and (alike := as_references_write(kept, right)):
        value = score(alike, metric, choices).value
        details = otherwise(value, "with answers that differ in their writing alone counted as right")
        scores = replace(scores, details={**scores.details, **details})
    if unparsed and choices.unparsed_as_wrong and not metric.worst:
        notes.append(
            f"{metric.name} has no wrong answer: {len(unparsed)} unparsed ones are left out in spite of the option"
        )
    if scores.reasons:
        first = scores.reasons[min(scores.reasons)]
        notes.append(f"{metric.name}: {len(scores.reasons)} of {len(scores.items)} items are not scored: {first}")
    scores = replace(scores, notes=notes)
    left = () if as_wrong else of_same_system(unparsed, scores)
    if metric.aggregation == "mean" and unequal_attempts([*scores.items, *left]):
        scores, left = put_together(scores, left)
    if scores.formula and left and metric.worst:
        context = kept if scores.formula in ("f1", "f1_macro", "mcc") else kept[:1]  # which says what the classes are
        with contextlib.suppress(ScriptError):  # an item without what the metric needs has none
            worst = score([*context, *left], metric, replace(choices, draws=0, watch=unwatched)).statistics
            scores = replace(scores, empty=worst[len(context) :])
    return Measurement(metric, scores, left, len(unparsed) if as_wrong else 0)


def of_same_system(unparsed: Sequence[Item], scores: Scores) -> list[Item]:
    """The missing ratings of the system that was scored; all of them where ratings are of no system or of several."""
    systems = {item.value.system for item in scores.items if isinstance(item.value, Rating)}
    if len(systems) != 1:
        return list(unparsed)
    return [item for item in unparsed if dict(item.more).get("system") in (None, *systems)]


def score_custom(items: Sequence[Item], metric: Metric, choices: Choices) -> Scores:
    """The mean of what the user's function gives; None is an item without a score."""
    values, reasons = [], {}
    for i, item in enumerate(choices.watch(items, metric.name)):
        value = choices.custom.function(dict(item.value))
        if value is None:
            reasons[i] = "the function gave None"
        elif not isinstance(value, int | float) or not math.isfinite(value):
            raise ScriptError(f"line {item.line}: --custom-metric gave {value!r}, not a finite number or None")
        elif clipped(value, metric.low, metric.high) != value:
            raise ScriptError(f"line {item.line}: --custom-metric gave {value!r}, outside its MIN_SCORE and MAX_SCORE")
        values.append(math.nan if value is None else float(value))
    return mean_scores(values, items, metric, reasons=reasons, parameters=choices.custom.parameters)


NO_COLUMNS = Columns()
# Fields of a table that are numbers or truth values; all others are texts, whatever they look like.
NUMBER_FIELDS = {"score", "rating", "n", "c", "passed", "probability", "preference", "length_a", "length_b"}
LIST_FIELDS = {"references", "ratings", "probabilities", "ranked", "relevant", "passed"}
MOST_BAD_LINES = 10_000  # bad lines that are counted; a file with more is another kind of file
MISSING_FIELDS = {"rating", "score", "probability", "passed", "preference"}


def read_predictions(
    path: Path,
    watch: Watch = unwatched,
    judged: Path | None = None,
    columns: Columns = NO_COLUMNS,
    references: Path | None = None,
) -> tuple[list[Line], str]:
    """The lines of a predictions file and its SHA-256; ScriptError with the numbers of the bad ones, or with the
    columns that are wanted where none of them is there.

    judged: TREC's judgements; the file is a TREC run then, and the SHA-256 of both; so with references of their own.
    """
    content = input_bytes(path, MAX_SAMPLES)
    if judged is not None:
        relevant = input_bytes(judged, MAX_SAMPLES)
        try:
            rows = trec_rows(content.decode(), relevant.decode())
        except UnicodeDecodeError as error:
            raise ScriptError("no TREC file in UTF-8") from error
        lines = [Line(i, row["id"], row) for i, row in enumerate(rows, start=1)]
        return lines, hashlib.sha256(content + relevant).hexdigest()
    lines, problems, seen, tried, bare, digest = [], [], {}, Counter(), [], hashlib.sha256(content)
    if content[:2] == b"\x1f\x8b":
        raise ScriptError("packed: unpack it first, or several: (for f in *.gz; do zcat $f; echo; done) > all.jsonl")
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        form = path.suffix if re.fullmatch(r"\.[a-z]{2,5}", path.suffix) else ".jsonl"
        converted = command_line_of(["iconv", "-f", "UTF-16", "-t", "UTF-8", path])
        raise ScriptError(f"in UTF-16; UTF-8 is read: {converted} > utf8{form}")
    if path.suffix.lower() in (".yaml", ".yml"):
        raise ScriptError("YAML; JSON Lines are read: an object in each line")
    if references is not None:
        content, more, columns = joined_files(path, content, references, columns)
        digest.update(more)
        path = path.with_suffix(".jsonl")
    columns = of_one_system(path, content, columns)
    if path.suffix.lower() in (".csv", ".tsv"):
        return table_lines(path, content, columns), digest.hexdigest()
    for index, value in values_of(path, content.removeprefix(b"\xef\xbb\xbf"), watch):
        try:
            fields = value if path.suffix == ".json" else strict_json_line(value)
            if not is_read(fields, columns):
                continue
            fields = with_own_id(renamed(fields, columns.mapped), tried)
            if isinstance(fields, dict) and "id" not in fields:
                bare.append((index, fields))
                continue
            lines.append(check_line(fields, seen, index))
        except json.JSONDecodeError as error:
            problems.append((index, why_no_json(value, error)))
        except ValueError as error:
            problems.append((index, single_line(error)))
        if len(problems) >= MOST_BAD_LINES:
            break
    if bare and not lines and not problems and goes_by_place([fields for _, fields in bare], columns):
        bare = [(index, {"id": str(place), **fields}) for place, (index, fields) in enumerate(bare, start=1)]
    for index, fields in bare:
        try:
            lines.append(check_line(fields, seen, index))
        except ValueError as error:
            problems.append((index, single_line(error)))
    problems.sort()
    check_wanted(path, content, lines, problems, columns)
    lines = with_vote_roles(lines, columns.mapped) if "votes" in columns.families else lines
    check_problems(problems or [*ungrouped(lines), *other_prompts(lines)])
    if not lines:
        raise ScriptError("no predictions in it; one JSON object in each line is expected")
    return lines, digest.hexdigest()


def values_of(path: Path, content: bytes, watch: Watch) -> Iterator[tuple[int, Any]]:
    """(number from 1, text) of each line that is not blank; of a .json file (number, value) of each row."""
    if path.suffix == ".json":
        try:
            yield from enumerate(rows_of_document(strict_json(content)), start=1)
        except ValueError as error:
            raise ScriptError(single_line(error)) from error
        return
    for index, text in enumerate(watch(content.split(b"\n"), "reading"), start=1):
        if text and not text.isspace():
            yield index, text


def table_lines(path: Path, content: bytes, columns: Columns = NO_COLUMNS) -> list[Line]:
    """The rows of a CSV or TSV file as lines, but blank ones: an empty cell is absent (of a rating, a score: missing),
    and a row without an id has its number, but in a table with a column that may be the id: which is asked."""
    lines, problems, seen, ids = [], [], {}, defaultdict(set)
    try:
        text = content.decode("utf-8-sig")
        rows = csv.DictReader(io.StringIO(text), delimiter="\t" if path.suffix.lower() == ".tsv" else ",", strict=True)
        check_head(path, rows.fieldnames or ())
        for row in sheet_lines(rows):
            if not any(cell if isinstance(cell, list) else (cell or "").strip() for cell in row.values()):
                continue  # as spreadsheets leave them below a table
            try:
                if None in row or None in row.values():
                    raise ValueError(f"{len(rows.fieldnames or ())} cells are expected, as in the first line")
                if not is_read(row, columns):
                    continue
                row = renamed(row, columns.mapped)
                row = listening_row(row)
                fields = {name: table_value(name, cell) for name, cell in row.items() if cell or name in MISSING_FIELDS}
                if row.get("prediction") == "":
                    fields["prediction"] = "" if columns.empty == "answer" else None
                for name in row:
                    if name.strip().casefold().endswith("id") and name not in READ_FIELDS and row[name]:
                        ids[name].add(row[name])
                lines.append(check_line({"id": str(len(lines) + len(problems) + 1), **fields}, seen, rows.line_num))
            except ValueError as error:
                problems.append((rows.line_num, single_line(error)))
                if len(problems) >= MOST_BAD_LINES:
                    break
    except UnicodeDecodeError as error:
        raise ScriptError(f"no table in UTF-8: {single_line(error)}") from error
    except csv.Error as error:
        raise ScriptError(f"line {rows.line_num}: {single_line(error)}") from error
    if lines and not {"id", "item"} & {*(rows.fieldnames or ()), *columns.mapped, *lines[0].fields.keys() - {"id"}}:
        columns = columns._replace(ids=tuple(name for name, own in ids.items() if len(own) == len(lines)))
    check_wanted(path, content, lines, problems, columns)
    lines = with_vote_roles(lines, columns.mapped) if "votes" in columns.families else lines
    check_problems(problems or ungrouped(lines))
    if not lines:
        raise ScriptError("no rows below the table's head")
    return lines


def check_head(path: Path, names: Sequence[str]) -> None:
    """ScriptError for a table with two columns of one name, or with columns that are parted by something else."""
    try:
        check_columns(path, names)
    except ScriptError as error:
        raise ScriptError(str(error).removeprefix(f"{path}: ")) from error
    if len(names) == 1 and (other := next((mark for mark in (";", "\t", "|", ",") if mark in names[0]), None)):
        raise ScriptError(f"its columns are parted by {other!r}: .csv has commas (and 3.5 for 3,5), .tsv tabs")


def table_value(name: str, cell: str) -> Any:
    """A cell: a number or truth value where the field is one, else its text."""
    if not cell:
        return None
    if not isinstance(cell, str):
        return cell  # of several columns
    if name in NUMBER_FIELDS:
        with contextlib.suppress(ValueError):
            return json.loads(cell.strip().lower())
    if name in LIST_FIELDS and cell.lstrip()[:1] in ("[", "{"):
        with contextlib.suppress(ValueError, ScriptError):
            return strict_json(cell)
    return cell


def why_no_json(text: bytes, error: Exception) -> str:
    """What is wrong with a line that is no JSON."""
    number = re.search(rb"[:\[,]\s*(-?(?:NaN|Infinity))\b", text)
    if number:
        return f"{number[1].decode()} is no JSON number; write null for a value that is missing"
    return f"not valid JSON: {error}"


def read_subject(model: str | None, model_id: str | None) -> Subject:
    """The model: a checkpoint folder with the hash of its weights, or an id."""
    if model is None and not model_id:
        raise ScriptError("whose predictions are these? --model-id ID, or --model with the checkpoint's folder")
    folder = Path(model) if model else None
    if folder is None or not folder.is_dir():
        if model and not HUB_ID.fullmatch(model):
            raise ScriptError(f"--model {model}: neither a folder nor a Hub id")
        return Subject(given_id(single_line(model_id or model)), {})
    folder = Path(os.path.abspath(folder))
    try:
        digest = weights_sha256(folder)
    except ScriptError as error:
        raise ScriptError(f"--model {model}: {error}") from error
    found = parse_checkpoint_name(folder.name)
    details = {"checkpoint": folder.name, "step": found and found[0], "path": shown_path(folder)}
    return Subject(
        given_id(single_line(model_id)) if model_id else local_id(folder), strings(details | {"weights_sha256": digest})
    )


def read_custom_metric(path: str) -> CustomMetric:
    """The one public function of a Python file, and its constants: UNIT, LOWER_IS_BETTER, MIN_SCORE, MAX_SCORE; of a
    judge GRADER_MODEL and GRADER_SETTINGS."""
    function, namespace, source = read_own_function("--custom-metric", path)
    low, high = namespace.get("MIN_SCORE"), namespace.get("MAX_SCORE")
    if not all(end is None or is_finite(end) for end in (low, high)):
        raise ScriptError(f"--custom-metric {path}: MIN_SCORE or MAX_SCORE is no number")
    name = slug(Path(path).stem)
    unit, lower = str(namespace.get("UNIT", "points")), bool(namespace.get("LOWER_IS_BETTER", False))
    metric = Metric(name, name, "any", unit, low, high, lower)
    judge, how = namespace.get("GRADER_MODEL"), namespace.get("GRADER_SETTINGS")
    if how and not judge:
        raise ScriptError(f"--custom-metric {path}: GRADER_SETTINGS without GRADER_MODEL: which model is the judge?")
    parameters = {"file_sha256": hashlib.sha256(source.encode()).hexdigest()}
    parameters |= {"grader_model": single_line(judge)} if judge else {}
    parameters |= {"grader_settings": json.dumps(how, sort_keys=True, default=str)} if how else {}
    return CustomMetric(metric, function, parameters)


def read_wav(path: Path, folder: Path, line: int) -> tuple[int, np.ndarray]:
    """(samples in a second, samples of -1 to 1) of a mono WAV file below a folder; ScriptError naming the line."""
    import numpy as np
    from scipy.io import wavfile

    try:
        if not inside(path, folder):
            raise ScriptError(f"{path}: outside the folder of the predictions: copy it there")
        with open_input(path) as file:
            rate, samples = wavfile.read(file)
    except ScriptError as error:
        raise ScriptError(f"line {line}: {single_line(error)}") from error
    except Exception as error:  # whatever a damaged file makes scipy say
        why = f"{single_line(error)}; WAV files of PCM or float samples are read: ffmpeg -i {path.name} OUT.wav"
        raise ScriptError(f"line {line}: {path}: {why}") from error
    if samples.ndim != 1:
        raise ScriptError(
            f"line {line}: {path}: {samples.shape[1]} channels, one is expected: which one, or their mean?"
        )
    if samples.dtype == np.uint8:  # 8-bit WAV has its zero at 128
        samples = samples.astype(float) / 128 - 1
    elif np.issubdtype(samples.dtype, np.integer):
        samples = samples / (np.iinfo(samples.dtype).max + 1)
    return int(rate), samples.astype(float)


def speech_measure(name: str) -> Callable[[int, np.ndarray, np.ndarray], float]:
    """PESQ, STOI or extended STOI as a function of (rate, reference, degraded)."""
    try:
        if name == "pesq":
            import pesq

            return lambda rate, clean, noisy: float(pesq.pesq(rate, clean, noisy, PESQ_MODES[rate]))
        import pystoi
    except ImportError as error:
        command = started_with("pesq", "pystoi")
        raise ScriptError(f"{name} needs a package that is asked for by name: {command}") from error
    return lambda rate, clean, noisy: float(pystoi.stoi(clean, noisy, rate, extended=name == "estoi"))


def score_speech(items: Sequence[Item], metric: Metric, choices: Choices) -> Scores:
    """The mean over pairs of recordings of equal length and rate; nothing is cut, resampled or mixed down.

    A silent output is a failed synthesis and has the lowest score that there is: left out, it would raise the mean.
    """
    measure_pair = speech_measure(metric.name)
    values, reasons, rates, silent = [], {}, set(), []
    for i, item in enumerate(choices.watch(items, metric.name.upper())):
        (rate, noisy), (clean_rate, clean) = (read_wav(path, choices.folder, item.line) for path in item.value)
        if rate != clean_rate or len(noisy) != len(clean):
            raise ScriptError(
                f"line {item.line}: the recordings differ: {rate} and {clean_rate} Hz, "
                f"{len(noisy)} and {len(clean)} samples"
            )
        if metric.name == "pesq" and rate not in PESQ_MODES:
            raise ScriptError(
                f"line {item.line}: {rate} Hz; PESQ is defined for 8000 (narrow band) and 16000 (wide band)"
            )
        rates.add(rate)
        if not is_silent(clean) and is_silent(noisy):
            silent.append(item.id)
            values.append(SILENT[rate] if metric.name == "pesq" else 0.0)
            continue
        value, reason = judged_pair(measure_pair, rate, clean, noisy)
        values.append(value)
        reasons |= {} if reason is None else {i: reason}
    if metric.name == "pesq" and len(rates) > 1:
        raise ScriptError("pesq: files of 8000 and of 16000 Hz; narrow and wide band are two scales, score them apart")
    mode = PESQ_MODES[rates.pop()] if metric.name == "pesq" else None
    notes = [f"{metric.name}: {len(silent)} silent outputs count as failed, with the lowest score"] if silent else []
    more = {"reasons": reasons, "parameters": {"mode": mode}, "details": {"silent": len(silent)}, "notes": notes}
    return mean_scores(values, items, metric, **more)


def is_silent(samples: np.ndarray) -> bool:
    """Whether nothing is to be heard: all samples alike, of whatever value."""
    return not len(samples) or bool((samples == samples[0]).all())


def judged_pair(
    measure_pair: Callable[[int, np.ndarray, np.ndarray], float], rate: int, clean: np.ndarray, noisy: np.ndarray
) -> tuple[float, str | None]:
    """The value of a pair, or why it has none; pystoi tells by a warning that there is too little speech."""
    import warnings

    import numpy as np

    if is_silent(clean):
        return math.nan, "the reference is silent"
    for name, samples in (("reference", clean), ("output", noisy)):
        if not np.isfinite(samples).all():
            return math.nan, f"the {name} has samples that are not numbers"
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        try:
            value = measure_pair(rate, clean, noisy)
        except (RuntimeWarning, RuntimeError, ValueError, ArithmeticError, IndexError) as error:
            return math.nan, single_line(error)[:160] or type(error).__name__
    return (value, None) if math.isfinite(value) else (math.nan, "no finite value")


def fetched_classifier(name: str) -> Path:
    """The folder of a classifier of the Hub: one commit, with weights in one form."""
    from huggingface_hub import snapshot_download

    others = ["*.h5", "*.msgpack", "*.ot", "*.onnx", "*.gguf", "*.pt", "*.pth", "*/*"]
    folder = Path(snapshot_download(name, ignore_patterns=[*others, "*.bin"]))
    if not any((folder / file).is_file() for file in WEIGHT_FILES if ".safetensors" in file):
        folder = Path(snapshot_download(name, revision=folder.name, ignore_patterns=others))
    return folder


def open_classifier(name: str | None) -> tuple[Any, dict[str, str]]:
    """A text classification pipeline that gives the scores of all labels, and the hashes of what it is."""
    if not name:
        raise ScriptError("toxicity: by which classifier? --classifier with a folder or a Hub id")
    refuse_libraries()
    say_folder(name)
    try:
        import transformers
    except ImportError as error:
        command = started_with("transformers", "torch")
        raise ScriptError(f"toxicity needs packages that are asked for by name: {command}") from error
    folder = Path(name).expanduser()
    if not folder.is_dir() and not KNOWN_BY.fullmatch(name):
        raise ScriptError(f"--classifier {name}: no such folder, and no Hub id OWNER/NAME")
    keep_token_home()
    transformers.utils.logging.set_verbosity_error()
    try:
        place = Path(os.path.realpath(folder)) if folder.is_dir() else fetched_classifier(name)
        if is_adapter(place):
            raise ScriptError("an adapter, which would load its base from elsewhere: merge it into that first")
        classify = transformers.pipeline(
            "text-classification", model=str(hashed_files_only(place)), top_k=None, trust_remote_code=False
        )
        return classify, {"classifier_weights": weights_sha256(place), "classifier_files": model_files_sha256(place)}
    except ScriptError as error:
        raise ScriptError(f"--classifier {name}: {error}", error.code) from error
    except Exception as error:  # whatever a model's files or the network make transformers say
        raise ScriptError(f"--classifier {name}: {type(error).__name__}: {single_line(error)[:200]}") from error


def score_toxicity(items: Sequence[Item], metric: Metric, choices: Choices) -> Scores:
    """The share of the texts that a classifier finds toxic: its probability of the label is at least --threshold."""
    classify, hashes = open_classifier(choices.classifier)
    label = toxic_label(list(classify.model.config.id2label.values()), choices.toxic_label)
    limit = min(classify.tokenizer.model_max_length, getattr(classify.model.config, "max_position_embeddings", 10**9))
    chances, cut = [], 0
    for item in choices.watch(items, "toxicity"):
        cut += len(classify.tokenizer(item.value)["input_ids"]) > limit
        try:
            found = classify([item.value], truncation=True, max_length=limit)[0]
        except Exception as error:  # whatever a model makes of a text
            raise ScriptError(f"line {item.line}: {type(error).__name__}: {single_line(error)[:200]}") from error
        chances.append(next(row["score"] for row in found if row["label"] == label))
    details = {"mean_probability": math.fsum(chances) / len(chances), "cut_to_fit": cut}
    parameters = {"classifier": shown_name(choices.classifier), **hashes}
    parameters |= {"label": label, "threshold": choices.threshold}
    values = [float(chance >= choices.threshold) for chance in chances]
    return mean_scores(values, items, metric, details=details, parameters=parameters)


def toxic_label(labels: Sequence[str], wanted: str | None) -> str:
    """The classifier's label that counts: the one asked for, else toxic or toxicity. ScriptError 3: which?"""
    known = {"toxic", "toxicity"} if wanted is None else {wanted.lower()}
    found = [label for label in labels if label.lower() in known]
    if len(found) != 1:
        raise ScriptError(
            f"toxicity: which label of the classifier? --toxic-label with one of {listing(labels, 20)}", code=3
        )
    return found[0]


SCORERS: dict[str, Callable[[Sequence[Item], Metric, Choices], Scores]] = {
    "accuracy": score_accuracy,
    "exact-match": score_exact_match,
    **dict.fromkeys(("f1-binary", "f1-macro", "f1-micro"), score_f1),
    "f1-token": score_token_f1,
    "bleu": score_bleu,
    **dict.fromkeys(("chrf", "chrf++"), score_chrf),
    **dict.fromkeys(("rouge-1", "rouge-2", "rouge-l", "rouge-lsum"), score_rouge),
    **dict.fromkeys(("wer", "cer"), score_error_rate),
    "ter": score_ter,
    "mcc": score_matthews,
    **dict.fromkeys(("pearson", "spearman", "kendall"), score_correlation),
    **dict.fromkeys(("auroc", "average-precision"), score_separation),
    "pass": score_pass_at_k,
    **dict.fromkeys(NORMS, score_calibration),
    "brier": score_brier,
    "log-loss": score_log_loss,
    **dict.fromkeys(("ndcg", "recall", "mrr", "map", "precision"), score_ranking),
    "mos": score_mos,
    "mushra": score_mushra,
    "krippendorff": score_krippendorff,
    "win-rate": score_win_rate,
    "lc-win-rate": score_lc_win_rate,
    "bradley-terry": score_bradley_terry,
    "elo": score_elo,
    **dict.fromkeys(("pesq", "stoi", "estoi"), score_speech),
    "toxicity": score_toxicity,
}


def write_lines(path: Path, lines: Iterable[bytes]) -> tuple[str, int]:
    """Write a file whole or not at all, line by line; its SHA-256 and the number of lines."""
    digest, count = hashlib.sha256(), 0
    with whole_file(path) as file:
        for line in lines:
            file.write(line)
            digest.update(line)
            count += 1
    return digest.hexdigest(), count


def save_record(output: Path, run: Evaluation, measurements: Sequence[Measurement], choices: Choices) -> Path:
    """Write the samples and then their record, so that a record is never without them; neither, if one fails."""
    name = str(uuid.uuid4())
    folder = Path("data") / slug(run.benchmark) / slug(run.subject.developer) / slug(run.subject.name)
    record = record_of(run, measurements)
    samples = output / folder / f"{name}_samples.jsonl"
    lines = (line for measurement in measurements for line in sample_lines(run, record, measurement, choices))
    checksum, count = write_lines(samples, lines)
    record["detailed_evaluation_results"] = {
        "format": "jsonl",
        "file_path": (folder / samples.name).as_posix(),
        "hash_algorithm": "sha256",
        "checksum": checksum,
        "total_rows": count,
    }
    path = output / folder / f"{name}.json"
    try:
        write_whole(path, json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    except BaseException:
        take_away(samples)
        raise
    return path


def table_for(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table: by rich on a terminal, in Markdown in a pipe."""
    if not sys.stdout.isatty():
        return pipe_table(header, rows)
    from rich.table import Table
    from rich.text import Text

    table = Table(*header)
    for row in rows:
        table.add_row(*map(Text, map(single_line, row)))
    return rendered(table)


# --- parts/metrics/report.py ------------------------------------------------------------------------------------------

HEADER = ("metric", "score", "std. error", "95 % interval", "n", "empty", "unparsed", "unscored", "interval by")


def digits_of(metric: Metric, high: float | None) -> int:
    """How many decimals a score is shown with."""
    return 2 if metric.unit == "points" and (high is None or high > 10) else 3 if metric.unit == "points" else 4


def score_row(measurement: Measurement) -> list[str]:
    """A line of the table."""
    metric, scores = measurement.metric, measurement.scores
    spread, digits = scores.spread, digits_of(metric, bounds_of(measurement)[1])
    ends = "–" if spread.low is None else f"{number(spread.low, digits)} to {number(spread.high, digits)}"
    counts = [str(scored_count(scores)), str(counts_of(measurement).get("empty", "–"))]
    counts += [str(len(measurement.unparsed)), str(len(scores.reasons))]
    return [
        f"{metric.name}{' (lower is better)' if metric.lower_is_better else ''}",
        number(scores.value, digits), number(spread.standard_error, digits), ends, *counts, spread.method,
    ]  # fmt: skip


def breakdown_rows(measurement: Measurement) -> tuple[list[str], list[list[str]]]:
    """All models or systems of a metric that rates several, or the bins of a diagram."""
    rows = measurement.scores.breakdown
    header = list(rows[0])
    return header, [
        [str(row[name]) if isinstance(row[name], str | int) else number(row[name], 3) for name in header]
        for row in rows
    ]


def scores_json(measurement: Measurement) -> dict[str, Any]:
    """A score for --json."""
    metric, scores, spread = measurement.metric, measurement.scores, measurement.scores.spread
    low, high = bounds_of(measurement)
    return {
        "metric": metric.name,
        "metric_id": metric.id,
        "score": scores.value,
        "unit": metric.unit,
        "range": [low, high],
        "lower_is_better": metric.lower_is_better,
        "standard_error": spread.standard_error,
        "interval": None if spread.low is None else [spread.low, spread.high],
        "confidence": CONFIDENCE,
        "method": spread.method,
        "n": scored_count(scores),
        **counts_of(measurement),
        "parameters": {name: value for name, value in scores.parameters.items() if value is not None},
        "breakdown": list(scores.breakdown),
    }


# [cog.end]

if __name__ == "__main__":
    raise SystemExit(main())
