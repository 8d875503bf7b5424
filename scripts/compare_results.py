#!/usr/bin/env -S uv run --script
# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "numpy>=2,<3",
#     "orjson>=3.10,<4",
#     "pyyaml>=6,<7",
#     "rich>=14,<16",
#     "scipy>=1.15,<2",
# ]
# ///
"""Say whether a model may ship: compare its evaluation records with a baseline's, item by item.

Reads Every Eval Ever 0.3.0 records (<uuid>.json) and their items (<uuid>_samples.jsonl). --baseline and --candidate
are a folder of results of one model, a record file, or a model's or checkpoint's name within the folders of --results.
Prints a table, or with --json one document; --report writes the evaluation summary for a model card.

  uv run scripts/compare_results.py --baseline step_1000 --candidate step_700 --results examples/tiny_run/results
  uv run scripts/compare_results.py --baseline base/results --candidate tuned/results --rule finetune --target gsm8k
  uv run scripts/compare_results.py --baseline step_700 --candidate step_800 step_900 --results results --rule select
  uv run scripts/compare_results.py --baseline base --candidate step_700 --results results --tried 10
  uv run scripts/compare_results.py --rule choose --candidate small large --results results --facts prices.csv
  uv run scripts/compare_results.py --baseline A --candidate B --results results --policy policy.yaml --report REPORT.md
  uv run scripts/compare_results.py --baseline A --candidate B --results results --aa again/run_1 again/run_2 --json
  uv run scripts/compare_results.py --items-for 2 --benchmarks gsm8k humaneval

Rules: "release", no gated benchmark drops by more than 1 point; "finetune", each --target gains more than 2 points and
nothing else drops by more than 1; "select", better on at least two benchmarks and no regression on any. A policy file
changes the limits. "choose" asks which of several is better: BETTER, MIXED or NO DIFFERENCE SHOWN. A verdict is read off a paired interval, never off a point estimate, so there are three.

Exit codes: 0 GO; 1 NO-GO; 2 it could not be done (usage, input; stdout is empty); 3 INCONCLUSIVE (more items or another
measurement are needed; the table says which and how many), or a choice is needed (the message names the candidates).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any


def split_names(text: str | None) -> list[str]:
    """'a, b' -> ['a', 'b']."""
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def resolve_policy(args: argparse.Namespace, vocabulary: MetricMapping) -> Policy:
    """The policy file with what the command line says in its place."""
    policy = read_policy(args.policy, vocabulary)
    targets = tuple(vocabulary.key(name) or name for name in split_names(args.target)) or policy.targets
    policy = replace(policy, rule=args.rule or policy.rule, targets=targets, allow_unlike=args.allow_unlike)
    if args.rule == CHOOSE and (args.baseline or len(args.candidate) < 2):
        raise ScriptError("--rule choose compares two or more --candidate with one another, without --baseline")
    if args.rule != CHOOSE and (args.facts or not args.baseline):
        raise ScriptError("--baseline is missing; to ask which of several is better: --rule choose (with --facts)")
    policy = replace(policy, cluster_by=args.cluster_by or policy.cluster_by)
    if policy.rule == "finetune" and not targets:
        raise ScriptError("--rule finetune needs --target BENCHMARK, or targets in the policy: what was tuned for?")
    if policy.rule != "finetune" and args.target:
        raise ScriptError(f"--target belongs to --rule finetune, the rule is {policy.rule}")
    if policy.rule != "finetune":
        policy = replace(policy, targets=())
    if args.tried is not None and args.tried < len(args.candidate) and args.rule != CHOOSE:
        raise ScriptError(
            f"--tried {args.tried}: {len(args.candidate)} candidates are given; it counts all that were tried"
        )
    if args.only_items:
        only, why = read_only_items(args.only_items)
        policy = replace(policy, items=replace(policy.items, only=only, why_only=why))
    return replace(policy, tried=args.tried)


def run_and_checkpoint(name: str) -> tuple[str, str]:
    """('run', 'step_100') of "run/step_100 [base=x]", ("owner/name", "step100") of "owner/name@step100"; ("", name) of a
    model that is no checkpoint of a run."""
    name = name.partition(" [")[0]
    run, _, checkpoint = name.rpartition("@" if "@" in name else "/")
    return (run, checkpoint) if parse_checkpoint_name(checkpoint) else ("", checkpoint)


def checkpoints_there(library: Library, run: str) -> list[str]:
    """The checkpoints of a run that --results has scores of."""
    names = sorted({entry.identity.name for entry in library.entries()}) if run and library.folders else ()
    return [name for name in names if run_and_checkpoint(name)[0] == run]


def known_tried(
    args: argparse.Namespace, library: Library, candidates: Sequence[ModelRuns], baseline: ModelRuns
) -> tuple[int | None, str]:
    """(how many the candidate was picked from, what is said of that).

    What --tried says; else all checkpoints of its run in --results, of which it may be the luckiest. Of a choice, too,
    unless it is between all of them.
    """
    if len(candidates) > 1 and args.rule != CHOOSE:
        return args.tried, ""
    own = [run_and_checkpoint(model.name) for model in candidates]
    counts = {run: len({*checkpoints_there(library, run)} - {baseline.name}) for run, _ in own}
    counts = {run: count for run, count in counts.items() if count > sum(run == its for its, _ in own)}
    run = max(counts, key=counts.get, default="")
    if not run or (args.tried or 0) >= counts[run]:
        return args.tried, ""
    count = counts[run]
    there = f"--results has scores of {count} checkpoints of the run {run!r}"
    name = listing(name for its, name in own if its == run)
    if args.tried:
        was = f"{name} {'were' if ', ' in name else 'was'}"
        return args.tried, f"{there}; --tried {args.tried} says that {was} not picked from all of them by scores"
    if args.rule == CHOOSE:
        return count, (
            f"{there}: where one was picked for its scores, its lead over another may be the luck of the draw, so "
            f"counted as --tried {count}; if {name} were fixed before their scores were seen, say --tried 1; or "
            "give all of them as --candidate, or rank them with benchmark_calculator.py"
        )
    return count, (
        f"{there}: counted as --tried {count}, as a gain of the best of them may be the luck of the draw; if "
        f"{name} was fixed before its scores were seen (the last one), say --tried 1"
    )


def measured_categories(vocabulary: MetricMapping, measured: set[str], named: set[str]) -> dict[str, list[str]]:
    """Category -> the measured benchmarks of it, of those that are named and not measured as such; a note says which."""
    found = {}
    for name in sorted(named - measured):
        own = sorted(key for key in measured if vocabulary.category(key) == name)
        if own and vocabulary.entries.get(name, {}).get("kind") == "category":
            note(f"note: {name} is a category; what is said of it is for its benchmarks here: {listing(own, 20)}")
            found[name] = own
    return found


def tasks_by_name(runs: Iterable[Run]) -> dict[str, str]:
    """The name by which a harness knows a whole benchmark, normalized -> its key, where it is that of one alone."""
    found: dict[str, set[str]] = {}
    for run in runs:
        if not run.subtask:
            found.setdefault(normalize_name(bare_task(run.name)), set()).add(run.key)
    return {name: next(iter(keys)) for name, keys in found.items() if len(keys) == 1}


def check_names(question: Question, names: Iterable[str], flag: str) -> None:
    """ScriptError for a benchmark that is neither known nor measured."""
    measured = {run.key for model in (question.baseline, *question.candidates) for run in model.runs}
    entries = question.vocabulary.entries
    categories = sorted(key for key, entry in entries.items() if entry["kind"] == "category" and key not in measured)
    for name in names:
        if name not in measured and name not in entries:
            told = {"measured are": sorted(measured), "categories are": categories}
            all_of_them = "".join(f"; {what}: {listing(keys, 20)}" for what, keys in told.items() if keys)
            hint = nearest(name, [*measured, *categories]) or all_of_them
            raise ScriptError(f"{flag}: no benchmark or category {name!r}{hint}")


def read_nights(
    args: argparse.Namespace, library: Library, reader: RunReader, baseline: ModelRuns, candidate: ModelRuns
) -> tuple[tuple[ModelRuns, ModelRuns], ...]:
    """The last nights of the candidate until the one that is asked for, each with the baseline's of then.

    A baseline that is named with its date is one for all nights.
    """
    if args.rule == CHOOSE or len(args.candidate) > 1:
        raise ScriptError("--history follows one --candidate, against one --baseline")
    asked = library.lookup(args.candidate[0], "--candidate")
    theirs = nights_until(candidate, reader.read_all(asked), args.history, {run.file for run in baseline.runs})
    asked = library.lookup(args.baseline, "--baseline")
    ours = (baseline,) if asked.date else nights_until(baseline, reader.read_all(asked), args.history, set())
    return pairs_of_nights(ours, theirs)


def read_question(args: argparse.Namespace) -> Question:
    """Everything that the command line asks about, read."""
    vocabulary = read_vocabulary(args)
    policy = resolve_policy(args, vocabulary)
    latest = args.latest or policy.latest or bool(args.history)
    library, reader = Library(args.results), RunReader(vocabulary, policy, latest)
    baseline = reader.read_model(library.lookup(args.baseline, "--baseline")) if args.baseline else ModelRuns("", ())
    files = {Path(run.file).resolve() for run in baseline.runs}
    candidates: list[ModelRuns] = []
    for source in args.candidate:
        model = reader.read_model(library.lookup(source, "--candidate"))
        own = {Path(run.file).resolve() for run in model.runs}
        if own & files:
            raise ScriptError(f"--candidate {source}: the same records as another side's; for repeated runs use --aa")
        files |= own
        if model.name in [baseline.name, *(other.name for other in candidates)]:
            model = replace(model, name=f"{model.name} ({source})")
        candidates.append(model)
    repeated = [reader.read_model(library.lookup(source, "--aa")) for source in args.aa or ()]
    if len({model.name for model in repeated}) > 1:
        raise ScriptError(f"--aa: runs of several models: {listing(model.name for model in repeated)}", code=3)
    runs = {(run.file, run.result_id): run for model in repeated for run in model.runs}.values()
    nights = read_nights(args, library, reader, baseline, candidates[0]) if args.history else ()
    reader.check_clusters()
    if args.by:
        check_part_field([run for model in (baseline, *candidates) for run in model.runs], args.by)
    measured = {run.key for model in (baseline, *candidates) for run in model.runs}
    known_ids = [run.result_id for model in (baseline, *candidates) for run in model.runs]
    by_task = tasks_by_name(run for model in (baseline, *candidates) for run in model.runs)

    def key_of(name: str) -> str:
        """A benchmark's key as the records have it, by whatever it is called: in the vocabulary, or by its harness."""
        found = own_key(vocabulary.key(name) or name, measured)
        return found if found in measured else by_task.get(normalize_name(bare_task(name)), found)

    policy = policy.named(key_of)
    if reader.left_out:
        note(f"note: --only-items names no item of {listing(sorted(reader.left_out), 20)}: not judged")
    only = [key_of(name) for name in split_names(",".join(args.benchmarks))]
    categories = measured_categories(vocabulary, measured, {*policy.benchmarks, *policy.targets, *only})
    policy = policy.spread(categories)
    only = frozenset(key for name in only for key in categories.get(name, (name,)))
    tried, luck = known_tried(args, library, candidates, baseline)
    policy = replace(policy, tried=tried)
    baseline = baseline if args.baseline else candidates[0]
    question = Question(
        baseline,
        tuple(candidates),
        policy,
        vocabulary,
        only,
        named_results(args.result_id or (), known_ids),
        tuple(runs),
        nights,
        args.by or "",
        luck,
    )
    question = replace(question, policy=with_named_metrics(question, args.metric or ()))
    check_names(question, sorted(only), "--benchmarks")
    check_names(question, policy.targets, "--target")
    check_names(question, policy.benchmarks, f"--policy {args.policy}: benchmarks")
    return question


def with_named_metrics(question: Question, names: Sequence[str]) -> Policy:
    """The policy with the metrics of --metric: of each benchmark those that it has, unless the policy says its own."""
    policy, runs = question.policy, [run for model in (question.baseline, *question.candidates) for run in model.runs]
    of_key = {key: [run for run in runs if run.key == key] for key in {run.key for run in runs}}
    for name in names:
        if not of_metric(name, runs):
            there = sorted({run.metric for run in runs})
            raise ScriptError(
                f"--metric: no {single_line(name)!r}{nearest(name, there) or f'; there are {listing(there)}'}"
            )
    benchmarks, further = dict(policy.benchmarks), dict(policy.further)
    for key, own in of_key.items():
        limits = policy.limits(key)
        first, *others = [name for name in names if of_metric(name, own)] or [None]
        unsaid = limits.metric is None or len({run.metric for run in of_metric(limits.metric, own)}) > 1
        if first and unsaid:
            benchmarks[key] = replace(limits, metric=first)
            further |= {key: tuple(replace(limits, metric=name) for name in others)} if others else {}
    return replace(policy, benchmarks=benchmarks, further=further)


@dataclass(frozen=True, slots=True)
class GateAnswer:
    """What is said, in every form: the JSON document, the report, the table, and the gate's cases for CI."""

    document: dict[str, Any]
    report: str
    text: str
    title: str = "gate"
    cases: tuple[Case, ...] = ()
    warnings: tuple[str, ...] = ()


def answered(args: argparse.Namespace) -> GateAnswer:
    """The question of the command line, read and decided."""
    question = read_question(args)
    models = {model.name: model for model in (question.baseline, *question.candidates)}
    if args.rule == CHOOSE:
        names = [model.name for model in question.candidates]
        choice = choose(question, read_choice_facts(args.facts, names) if args.facts else None)
        ways = ways_out([(duel.row, (duel.one, duel.other)) for duel in choice.duels], models)
        told = own_entries(question.vocabulary.entries, (duel.row.key for duel in choice.duels))
        text = "\n".join([choice_text(choice), *(f"- {line}" for line in told)])
        said = GateAnswer(choice_json(choice) | {"own_benchmarks": told}, text + "\n", text)
    else:
        decision = decide(question)
        ways = ways_out([(row, (decision.baseline, row.candidate)) for row in decision.rows], models)
        document, report, text = decision_json(decision), render_evaluation(decision), decision_text(decision)
        said = GateAnswer(document, report, text, headline(decision), tuple(cases_of(decision)), decision.warnings)
    below = "".join(f"\n{'' if i else chr(10)}next: {way}" for i, way in enumerate(ways))
    return replace(said, document=said.document | {"next": ways}, text=said.text + below)


def no_answer(args: argparse.Namespace, error: ScriptError) -> GateAnswer:
    """What is said in place of an answer: what comes first, a choice or something to mend; raises it where that is all."""
    if isinstance(error, MetricsToChoose):
        more = [["--result-id", *ids] for ids in error.choices]
        if args.metric and error.settled:  # who asks for MOS, wants that
            more = [["--benchmarks", *error.settled]]
        ways = [f"next: {run_line('compare_results.py')} {command_line_of([*args.words(), *own])}" for own in more]
        error = ScriptError("\n".join([str(error), *ways]), code=error.code)
    answer = GateAnswer(stopped_json(error), "", "", cases=(stopped_case(error),))
    tell_ci(args, answer, f"## Evaluation: no answer\n\n{plain(str(error))}")
    if error.code != 3 or not args.json:
        raise error
    note(f"error: {error}")
    return answer


def tell_ci(args: argparse.Namespace, answer: GateAnswer, summary: str) -> None:
    """The JUnit file, and what GitHub Actions shows, as far as they are wanted."""
    if args.junit:
        write_output(args.junit, junit_xml(answer.title, answer.cases, answer.warnings), args.force)
    if args.github:
        tell_github(annotations(answer.title, answer.cases, answer.warnings), summary)


def run(args: argparse.Namespace) -> int:
    """Read, decide, write what was asked for, print; the exit code is the verdict."""
    many_objects()
    if args.items_for:
        names = [name for text in args.benchmarks for name in split_names(text)]
        found = items_plan(args.items_for, assumed(args.assume), names, read_vocabulary(args))
        print_data(json.dumps(found, indent=2) if args.json else planning_text(found))
        return found["exit_code"]
    if args.rule == CHOOSE and (args.junit or args.github):
        raise ScriptError("--junit and --github show a gate; --rule choose gates nothing: leave them out")
    try:
        answer = answered(args)
        tell_ci(args, answer, answer.report)
    except ScriptError as error:
        answer = no_answer(args, error)
    document = json.dumps(answer.document, indent=2, ensure_ascii=False, allow_nan=False)
    if args.report and answer.report:
        write_output(Path(args.report), answer.report.encode("utf-8", "backslashreplace").decode(), args.force)
        note(f"report in {args.report}")
    if args.output:
        write_output(args.output, document + "\n", args.force)
        note(f"JSON in {args.output}")
    print_data(document if args.json else answer.text)
    return answer.document["exit_code"]


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = CommandLine(description=__doc__)
    add = parser.add_argument
    add("--baseline", metavar="A", help="results folder, record file, or a name within --results")
    asked = parser.add_mutually_exclusive_group(required=True)
    asked.add_argument("--candidate", nargs="+", metavar="B", help="what may ship; of several, the best")
    told = "no comparison: how many items show so large a difference"
    asked.add_argument("--items-for", type=asked_difference, metavar="POINTS", help=told)
    add("--tried", type=int, metavar="N", help="how many the candidate was picked from: its gain must outdo their luck")
    add("--results", nargs="+", metavar="DIR", help="folders with evaluation records, to find models by name")
    add("--rule", choices=(*RULES, CHOOSE), help="what must hold (default: the policy's, else release), or choose")
    add("--facts", type=Path, metavar="FILE.csv", help="with choose: prices, speeds, sizes beside the scores")
    add("--target", metavar="K,K", help="with --rule finetune: the benchmarks that must improve")
    add("--policy", metavar="FILE", help="YAML with rule, tiers, limits, minimum items, harness versions")
    add_mapping_option(add)
    add("--benchmarks", nargs="+", default=[], metavar="NAME", help="compare these benchmarks only (also A,B)")
    add(
        "--metric",
        action="append",
        metavar="NAME",
        help="of a benchmark's metrics this one (repeat for several)",
    )
    add("--result-id", nargs="+", metavar="ID", help="which result counts where a benchmark has several metrics")
    add(
        "--cluster-by",
        metavar="FIELD",
        help=f"sample metadata that items share, or none (default: what is declared, {', '.join(CLUSTER_FIELDS)})",
    )
    add("--by", metavar="FIELD", help="also a verdict for each value of this field of the samples' metadata: language")
    add("--only-items", metavar="FILE", help="only the items in it: what check_contamination --clean-items has written")
    add("--history", type=positive, metavar="N", help="the last N nights of both sides together, and their drift")
    add("--latest", action="store_true", help="of a model measured at several times, the last one")
    add(
        "--aa",
        nargs="+",
        metavar="RUN",
        help="repeated runs of one model: print the noise floor beside each difference",
    )
    add("--assume", nargs="+", default=[], metavar="K=V", help="with --items-for: accuracy, disagreement, power, alpha")
    add("--allow-unlike", action="store_true", help="compare what was not measured alike, or not validly; recorded")
    add("--report", metavar="FILE.md", help="write the evaluation summary as Markdown")
    add("--output", type=Path, metavar="FILE", help="write the JSON document there, too")
    add("--junit", type=Path, metavar="FILE.xml", help="write each benchmark as a test case, for a CI's report")
    add("--github", action="store_true", help="annotations and the job's summary in GitHub Actions")
    add("--force", action="store_true", help=FORCE_HELP)
    add("--json", action="store_true", help="one JSON document to stdout")
    parser.set_defaults(run=run, words=lambda: parser.words)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code is the answer."""
    return run_main(build_parser(), argv)


# Written in parts/ and put here by `uv run parts/assemble.py`: change it there.
# [cog[
# import assemble
# assemble.include(
#     "command_line", "comparison.again", "comparison.choose", "comparison.chosen_items", "comparison.ci",
#     "comparison.history", "comparison.planning", "comparison.policy", "comparison.reading", "comparison.report", "comparison.rows",
#     "comparison.strata", "comparison.verdicts", "comparison.vocabulary", "frame", "names", "outputs",
#     "own_vocabulary", "vocabulary"
# )
# ]cog]

import collections
import contextlib
import csv
import difflib
import fnmatch
import functools
import gc
import hashlib
import io
import itertools
import math
import os
import re
import shlex
import shutil
import signal
import stat
import sys
import textwrap
import threading
import time
import traceback
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping
from dataclasses import field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from statistics import NormalDist
from types import MappingProxyType
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, NoReturn, TextIO
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


# --- parts/records/schema.py ------------------------------------------------------------------------------------------

RECORD_SCHEMA = "0.3.0"  # Every Eval Ever
DATASTORE = "evaleval/EEE_datastore"  # the data set on the Hub that collects such records
SCHEMA_VERSION = "0.3.0"  # of the records: Every Eval Ever
PREDICTIONS_WRITER = "score_predictions.py"  # the source of records that are made of a file of predictions


def strings(values: dict[str, Any]) -> dict[str, str]:
    """Details as the schema wants them: only strings, nothing empty."""
    kept = {name: value for name, value in values.items() if value is not None}
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in kept.items()}


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


# --- parts/comparison/chosen_items.py ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ChosenItems:
    """only: the items that count, by task; without: those that do not, with the reason. Tasks by normalized name."""

    only: Mapping[str, frozenset[str]] = field(default_factory=dict)
    without: Mapping[str, tuple[frozenset[str], str]] = field(default_factory=dict)
    why_only: str = ""

    def __bool__(self) -> bool:
        return bool(self.only or self.without)


def read_only_items(path: str) -> tuple[dict[str, frozenset[str]], str]:
    """(items by task, why these) of a file that check_contamination --clean-items wrote; ScriptError for others."""
    try:
        content = json.loads(input_text(path, where=f"--only-items {path}"))
        tasks = content["only_items"]
        found = {normalize_name(task): frozenset(map(str, ids)) for task, ids in tasks.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ScriptError(f"--only-items {path}: not what check_contamination --clean-items writes") from error
    if not found:
        raise ScriptError(f"--only-items {path}: it names no item")
    return found, str(content.get("reason") or Path(path).name)[:200]


def read_excluded(content: Mapping[str, Any], where: str) -> dict[str, tuple[frozenset[str], str]]:
    """exclude_items of a policy: {gsm8k: {items: [id, ...], reason: why}}."""
    found = {}
    for task, entry in content.items():
        items = entry.get("items") if isinstance(entry, dict) else None
        reason = entry.get("reason") if isinstance(entry, dict) else None
        if not isinstance(items, list) or not items or not isinstance(reason, str) or not reason.strip():
            raise ScriptError(f"{where}: exclude_items: {task}: write {{items: [id, ...], reason: why}}")
        found[normalize_name(str(task))] = frozenset(map(str, items)), reason.strip()[:200]
    return found


def with_chosen_items(run: Run, chosen: ChosenItems) -> Run | None:
    """The run on the items that count; None for a task of which --only-items names none."""
    names = [normalize_name(name) for name in (run.name, run.key, run.task)]
    only = next((chosen.only[name] for name in names if name in chosen.only), None)
    if chosen.only and only is None:
        return None
    without, reason = next((chosen.without[name] for name in names if name in chosen.without), (frozenset(), ""))
    if only is None and not without:
        return run
    there = {item for repeat in run.repeats for item in repeat} | run.errors
    kept = {item for item in there if (only is None or item in only) and item not in without}
    return on_items(run, there, kept, f"without {len(there) - len(kept)}: {reason or chosen.why_only}")


def on_items(run: Run, there: Collection[str], kept: Collection[str], why: str) -> Run:
    """The run with its score over some of its items; ScriptError where it has none of them."""
    if run.corpus_level:
        raise ScriptError(f"{run.file}: {run.aggregation} is a score of all items of {run.task}; it has no part")
    repeats = tuple({item: answer for item, answer in repeat.items() if item in kept} for repeat in run.repeats)
    scores: dict[str, list[float]] = {}
    for repeat in repeats:
        for item, answer in repeat.items():
            scores.setdefault(item, []).append(answer.score)
    if not scores:
        some = listing(sorted(there)[:3]) or "no samples"
        raise ScriptError(f"{run.file}: none of the items of {run.task} that count is in its samples (there: {some})")
    lost = len(run.errors & set(kept))
    return replace(
        run,
        repeats=repeats,
        errors=frozenset(run.errors & set(kept)),
        score=sum(sum(own) / len(own) for own in scores.values()) / len(scores),
        n=len(scores),
        standard_error=None,
        counts={"no_value": lost, "attempts": sum(map(len, repeats)) + lost},
        chosen=f"{len(kept)} of {len(there)} items, {why}",
    )


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


# --- parts/comparison/vocabulary.py -----------------------------------------------------------------------------------

COMPARISON_SCHEMA = "1"
DEFAULT_DROP = 0.01  # of the metric's range: one point of a score between 0 and 100 %
DEFAULT_GAIN = 0.02
GO, NO_GO, INCONCLUSIVE = "GO", "NO-GO", "INCONCLUSIVE"
NOT_COMPARABLE, ABSENT = "NOT COMPARABLE", "MISSING"
REPORT = "report"  # a tier, and what stands in place of a verdict for what is shown and never gated
UNDECIDED_WAYS = ("ask", "pass", "fail")  # what an undecided benchmark is to the gate
BETTER, NO_REGRESSION, REGRESSION = "BETTER", "NO REGRESSION", "REGRESSION"
ItemId = tuple[str, str]  # subtask, sample_id
STYLES = {
    **dict.fromkeys((GO, BETTER, NO_REGRESSION), "bold green"),
    **dict.fromkeys((NO_GO, REGRESSION), "bold red"),
    **dict.fromkeys((INCONCLUSIVE, NOT_COMPARABLE, ABSENT), "yellow"),
    REPORT: "",
}
OBSERVED = "the true difference is the observed one"  # assumptions of how many items would decide
UNCHANGED = "the model is unchanged"
SCORED_FILES = "score_predictions"  # whose answers come from a file: no prompt of ours, and nothing to run again


@dataclass(frozen=True, slots=True)
class Limits:
    """What a policy demands of one benchmark; a drop or gain as a share of the metric's range, or of the baseline."""

    tier: str = "critical"
    max_drop: float | str | None = None  # a share (0.01, "1 %"), or an amount with its unit: "1 BLEU"
    max_relative_drop: float | None = None
    relative_guard_below: float | None = None
    min_gain: float | str | None = None
    min_relative_gain: float | None = None
    min_items: int = 0
    metric: str | None = None
    direction: str | None = None
    note: str | None = None
    in_percent: tuple[str, ...] = ()  # which of its relative limits say that they are: "5 %"

    def allowed_drop(self, baseline: float, span: float | None) -> float | None:
        """The largest drop that passes, in the metric's unit; None when nothing bounds it.

        `span` is the width of the metric's range. As in NeMo Evaluator, the relative limit holds for a baseline below
        relative_guard_below only, and where both limits hold the stricter one decides.
        """
        relative = self.max_relative_drop
        if relative is not None and self.relative_guard_below is not None:
            relative = relative if baseline / (span or 1.0) < self.relative_guard_below else None
        absolute = DEFAULT_DROP if self.max_drop is None and relative is None else self.max_drop
        return smallest(
            None if absolute is None or span is None else absolute * span,
            None if relative is None else relative * abs(baseline),
        )

    def wanted_gain(self, baseline: float, span: float | None) -> float | None:
        """The gain that a target must exceed, in the metric's unit; None when nothing bounds it."""
        relative = None if self.min_relative_gain is None else self.min_relative_gain * abs(baseline)
        absolute = DEFAULT_GAIN if self.min_gain is None and relative is None else self.min_gain
        share = None if absolute is None or span is None else absolute * span
        found = [gain for gain in (relative, share) if gain is not None]
        return max(found) if found else None


@dataclass(frozen=True, slots=True)
class Policy:
    """The rule and its numbers; `benchmarks` by canonical key."""

    rule: str = "release"
    alpha: float = 0.05
    power: float = 0.8
    supporting: str = "block"
    targets: tuple[str, ...] = ()
    min_better: int = 2
    max_invalid: float = MANY
    harness: Mapping[str, str] = field(default_factory=dict)
    cluster_by: str | None = None
    hardware: str | None = None
    limitations: tuple[str, ...] = ()
    defaults: Limits = Limits()
    benchmarks: Mapping[str, Limits] = field(default_factory=dict)
    further: Mapping[str, tuple[Limits, ...]] = field(default_factory=dict)  # of benchmarks with several metrics
    undecided: Mapping[str, str] = field(default_factory=dict)  # tier -> ask (also where it is not named), pass, fail
    require: tuple[str, ...] = ()  # what each side's records must have: hash, samples
    require_paired: bool = False
    latest: bool = False
    allow_unlike: bool = False
    items: ChosenItems = field(default_factory=ChosenItems)  # which items count, where not all do
    tried: int | None = None  # how many candidates the one that is compared was picked from

    def named(self, key_of: Callable[[str], str]) -> Policy:
        """The policy with its benchmarks by the names that the records have; ScriptError for two names of one."""
        keys = [key_of(name) for name in self.benchmarks]
        if twice := next((key for key in keys if keys.count(key) > 1), None):
            names = listing(name for name, key in zip(self.benchmarks, keys, strict=True) if key == twice)
            raise ScriptError(f"--policy: benchmarks: {names} are all {twice} in these records")
        benchmarks, further = (
            {key_of(key): limits for key, limits in own.items()} for own in (self.benchmarks, self.further)
        )
        return replace(self, benchmarks=benchmarks, further=further, targets=tuple(map(key_of, self.targets)))

    def spread(self, categories: Mapping[str, Sequence[str]]) -> Policy:
        """The policy with what it says of a category said of each benchmark of it that has nothing of its own."""
        benchmarks, further = (
            {
                key: limits
                for name, limits in own.items()
                for key in categories.get(name, (name,))
                if key == name or key not in self.benchmarks
            }
            for own in (self.benchmarks, self.further)
        )
        targets = dict.fromkeys(key for name in self.targets for key in categories.get(name, (name,)))
        return replace(self, benchmarks=benchmarks, further=further, targets=tuple(targets))

    def limits(self, key: str) -> Limits:
        """What holds for a benchmark, by its first metric where several are named."""
        return self.benchmarks.get(key, self.defaults)

    def of_metric(self, key: str, place: int) -> Policy:
        """The policy for one of a benchmark's metrics alone."""
        return replace(self, benchmarks={**self.benchmarks, key: (self.limits(key), *self.further[key])[place]})

    def blocks(self, key: str) -> bool:
        """Whether the overall verdict depends on a benchmark."""
        tier = self.limits(key).tier
        if tier == REPORT:
            return False
        return key in self.targets or tier == "critical" or (tier == "supporting" and self.supporting == "block")


@dataclass(frozen=True, slots=True)
class TaskFailure:
    """Why a task has no score, and the result file whose numbers cannot be so, where it is that."""

    error: str
    file: str = ""
    record: str = ""  # the file that says it failed


@dataclass(frozen=True, slots=True)
class ModelRuns:
    """Everything recorded about one model: its runs, and the tasks that failed with their errors."""

    name: str
    runs: tuple[Run, ...]
    failures: Mapping[str, TaskFailure] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Side:
    """One model's part of a comparison: item scores over all repeats, and the means that the repeats have."""

    runs: tuple[Run, ...]
    scores: Mapping[ItemId, tuple[float, ...]]
    answers: Mapping[ItemId, Answer]
    errors: frozenset[ItemId]
    run_scores: tuple[float, ...]
    notes: tuple[str, ...] = ()

    @property
    def lost(self) -> frozenset[ItemId]:
        """The items of which an attempt was lost; also by leaving them out, which `errors` does not count."""
        return self.errors.union((run.subtask, name) for run in self.runs for name in run.errors)

    @property
    def repeats(self) -> int:
        """How often the items were asked."""
        return len(self.run_scores)

    def counted(self, what: str) -> int:
        """How many answers the records call empty, truncated, ..."""
        return sum(run.counts.get(what, 0) for run in self.runs)

    @property
    def asked(self) -> int:
        """How many answers the records are about."""
        return sum(run.n or len(run.repeats) * (len(run.repeats[0]) if run.repeats else 0) for run in self.runs)


@dataclass(frozen=True, slots=True)
class Pairs:
    """The items that both sides have scored, in an order that depends on their scores alone.

    shared: "clusters" and "raters" -> the number of each item's, where items share them. within: the mean variance of
    an item's repeats, on each side (0 where each item was asked once); between: that of the means of the runs. stretch:
    what an item's score was multiplied by at most, so that parts of other sizes count once each.
    """

    baseline: np.ndarray
    candidate: np.ndarray
    shared: Mapping[str, np.ndarray]
    within: tuple[float, float] = (0.0, 0.0)
    repeats: tuple[int, int] = (1, 1)
    between: tuple[float, float] = (0.0, 0.0)
    stretch: float = 1.0

    @property
    def n(self) -> int:
        """How many items are paired."""
        return len(self.baseline)


@dataclass(frozen=True, slots=True)
class CorpusItems:
    """What the items of both sides add to a score of the whole corpus: two (items, d) arrays of the same items.

    formula: see parts/statistics/corpus.py; groups: the number of what each item shares, or None. scale: from the
    formula's score to the row's unit.
    """

    formula: str
    rows: tuple[np.ndarray, np.ndarray]
    groups: np.ndarray | None
    names: tuple[ItemId, ...]
    classes: tuple[str, ...] = ()
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Basis:
    """What the data say about the gain (more is better): the evidence and how it was made, or why there is none."""

    evidence: Evidence | None
    method: str
    n: int = 0
    variance: float | None = None  # of an item's difference around zero, the design effect included
    binary: bool = False
    discordant: tuple[int, int] | None = None  # items only the candidate has right, only the baseline
    design_effect: float = 1.0
    p_difference: float | None = None
    score_intervals: tuple[tuple[float, float] | None, ...] = ()  # of both sides, where they come with the evidence


@dataclass(frozen=True, slots=True)
class NightsFound:
    """What the last nights say of a benchmark: gains (more is better) by date, drift, tonight's change, evidence."""

    count: int
    first: str
    last: str
    gains: tuple[float, ...]
    dates: tuple[str, ...]
    drift: Drift | None
    since: str | None  # the date after which it drifts
    change: tuple[float, float] | None  # tonight less the nights before, two-sided p
    sequence: Sequential | None
    decided: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One benchmark of one candidate: scores, difference and verdict. `gain` values are oriented: more is better."""

    candidate: str
    key: str
    label: str
    tier: str
    role: str  # "target" or "general"
    blocking: bool
    verdict: str = ABSENT
    baseline_score: float | None = None
    score: float | None = None
    unit: str = "proportion"
    metric: str = ""
    spelled_metric: str = ""  # as its harness has it, with the filter: "exact_match,strict-match"
    lower_is_better: bool = False
    span: float | None = None
    sides: tuple[Side, Side] | None = None
    pairs: Pairs | None = None
    corpus: CorpusItems | None = None
    basis: Basis | None = None
    threshold: float | None = None
    limit_by: str = ""  # which of the policy's limits that is: max_drop, max_relative_drop, min_gain, …
    levels: tuple[float, float] | None = None  # one-sided, at which the lower and the upper bound are taken
    bounds: tuple[float, float] | None = None
    p_values: Mapping[str, float] = field(default_factory=dict)
    invalid: bool = False  # whether what keeps it from being compared is that a score is not valid
    items_needed: int | None = None
    needed_if: str | None = None
    needed_unchanged: int | None = None  # beside those if the difference is the observed one
    shown: str = ""  # the label with the metric, where it is not the benchmark's usual one
    by: str = ""  # "language=de": the part of a benchmark that it is about, where it is broken down
    size: int | None = None  # how many items the benchmark has, where the vocabulary knows it
    noise: Noise | None = None
    nights: NightsFound | None = None
    reasons: tuple[str, ...] = ()  # of the notes, those that keep it from being compared
    notes: tuple[str, ...] = ()
    parts_once: bool = False  # whether each of its parts counts once, whatever the number of its items

    @property
    def sign(self) -> int:
        """-1 when less is better."""
        return -1 if self.lower_is_better else 1

    @property
    def delta(self) -> float | None:
        """Candidate minus baseline, in the metric's unit; None where they cannot be compared."""
        if self.score is None or self.baseline_score is None or self.verdict == NOT_COMPARABLE:
            return None
        return self.score - self.baseline_score

    def as_shown(self, low: float, high: float) -> tuple[float, float]:
        """An interval of the gain as one of the difference."""
        return (low, high) if self.sign > 0 else (0.0 - high, 0.0 - low)


@dataclass(frozen=True, slots=True)
class Noise:
    """The A/A noise floor: how far two measurements of one unchanged model lie apart, 95 % of the time."""

    half_width: float
    repeats: int
    changed: float | None  # share of the items whose score differs between two repeats


@dataclass(frozen=True, slots=True)
class Pareto:
    """P(no other result is at least as good on all benchmarks and better on one), over `benchmarks`."""

    benchmarks: tuple[str, ...]
    probability: Mapping[str, float]
    front: tuple[str, ...]  # by the scores of the items that all have
    items: int


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer."""

    verdict: str
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    baseline: str
    candidates: Mapping[str, str]  # name -> its own verdict
    rows: tuple[Row, ...]
    policy: Policy
    pareto: Pareto | None = None
    chosen: str | None = None  # the best of several candidates, where one is taken
    why_open: str | None = None  # why there is no GO and no NO-GO: invalid, not_comparable, missing, undecided


def smallest(*values: float | None) -> float | None:
    """The smallest of the values that are there."""
    found = [value for value in values if value is not None]
    return min(found) if found else None


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


# --- parts/comparison/pairs.py ----------------------------------------------------------------------------------------

FEW_RATERS = 3
MANY_ANSWERS = 50  # from here on a recorded score comes with a standard error
SAME_VOTES = "by the same votes, whose errors are joint"
FEW_CHANGES = 10  # below, changed items of a metric without bounds cannot show how large changes are


def paired_basis(pairs: Pairs, sign: int, span: float | None) -> Basis:
    """The evidence in paired items. `sign` is -1 where less is better, `span` the width of the metric's range."""
    differences, n = sign * (pairs.candidate - pairs.baseline), pairs.n
    span = None if span is None else span * pairs.stretch
    counts = {"items": n} | {name: int(numbers.max()) + 1 for name, numbers in pairs.shared.items()}
    for name, count in counts.items():
        if count < (FEW_RATERS if name == "raters" else FEW_ITEMS):
            return Basis(None, f"too few {name} ({count}) to show how much they differ", n)
    ways = list(pairs.shared.values())
    up, down = int((differences > 0).sum()), int((differences < 0).sum())
    if span is None and up + down < FEW_CHANGES:
        return Basis(None, f"only {up + down} items differ, and the metric has no bounds", n)
    if span is None and (off := off_the_commonest(differences)) < min(FEW_CHANGES, n / 2):
        return Basis(None, f"only {off} items differ otherwise than the others, and the metric has no bounds", n)
    runs = runs_variance(pairs)
    evidence = paired_difference(differences, ways, span, runs)
    binary = is_binary(pairs.baseline) and is_binary(pairs.candidate)
    effect = design_effect(differences, ways)
    words = ["paired score interval (Newcombe)" if binary else "paired bounded means"]
    if isinstance(evidence, Student):
        words = ["paired t" if span is None else "paired t of variance components (Hall)"]
    words += [f"{counts[name]} {name}, design effect {effect:.2f}" for name in pairs.shared]
    words += [f"t with {evidence.freedom:.1f} degrees of freedom for the runs' spread"] if runs[0] else []
    return Basis(
        evidence,
        ", ".join(words),
        n,
        float((differences**2).mean()) * effect + runs[0] * n,
        binary,
        (up, down) if binary else None,
        effect,
        mcnemar_p(up, down) if binary and not ways and not runs[0] else two_sided_p(evidence),
    )


def design_effect(differences: np.ndarray, ways: Sequence[np.ndarray]) -> float:
    """How many times fewer independent items the clusters are worth; never below 1.

    Where no item differs nothing can be estimated, and items of one cluster count as one.
    """
    import numpy as np

    ways, n = several_ways(ways), len(differences)
    if ways[0] is None:
        return 1.0
    alone = float(two_way_variance(differences, [None]))
    if alone == 0:
        return max(float((np.bincount(group) ** 2).sum()) / n for group in ways)
    return max(1.0, float(two_way_variance(differences, ways)) / alone)


def runs_variance(pairs: Pairs) -> tuple[float, float]:
    """(variance that repeated runs add to the difference, its degrees of freedom).

    What the means of a side's runs spread beyond the noise of single answers; 0 where each item was asked once.
    """
    parts = []
    for spread, within, repeats in zip(pairs.between, pairs.within, pairs.repeats, strict=True):
        if repeats > 1 and spread > within / pairs.n:
            parts.append(((spread - within / pairs.n) / repeats, repeats - 1))
    total = math.fsum(variance for variance, _ in parts)
    return total, total**2 / math.fsum(v**2 / freedom for v, freedom in parts) if total else math.inf


def unpaired_basis(baseline: Run, candidate: Run) -> Basis:
    """The evidence in two scores with standard errors (or counts of right answers) and no items."""
    sign = -1 if candidate.lower_is_better else 1
    n, runs = min(baseline.n or 0, candidate.n or 0), (baseline, candidate)
    if fewest := [run.n for run in runs if run.n is not None and run.n < FEW_ITEMS]:
        return Basis(None, f"too few items ({min(fewest)}) to show how much they differ", n)
    means = [recorded_mean(run) for run in runs]
    if None not in means:
        evidence = unpaired_difference(*means)
        evidence = evidence if sign > 0 else evidence.mirrored()
        variance = n * float(sum(mean.variance for mean in means))
    else:
        errors = [run.standard_error for run in runs]
        if None in errors:
            return Basis(None, "no samples and no standard error", n)
        if not any(errors):
            return Basis(None, "standard errors of zero", n)
        evidence = Student(sign * (candidate.score - baseline.score), math.hypot(*errors))
        variance = n * math.hypot(*errors) ** 2
    return Basis(evidence, "unpaired, from standard errors", n, variance or None, p_difference=two_sided_p(evidence))


def votes_basis(baseline: Run, candidate: Run, gap: VoteGap, sign: int, span: float | None) -> Basis:
    """The evidence in two scores of one file of votes: their gap."""
    n = min(baseline.n or 0, candidate.n or 0)
    votes = min(math.fsum(count for _, count in run.votes.against.values()) for run in (baseline, candidate))
    evidence = gap_evidence(sign * gap.gap, gap.error, gap.freedom, baseline.votes.metric, votes)
    evidence = replace(evidence, span=math.inf if span is None else span)
    return Basis(evidence, SAME_VOTES, n, n * evidence.error**2 or None, p_difference=two_sided_p(evidence))


def recorded_mean(run: Run) -> BoundedMean | None:
    """A recorded score of a range of 0 to 1 with its error; one of few answers without an error, by their count."""
    if run.span != 1.0 or not 0 <= run.score <= 1:
        return None
    if run.standard_error is not None:
        return mean_from_error(run.score, run.standard_error, run.n)
    right = None if run.n is None or run.aggregation != "mean" else run.score * run.n
    exact = right is not None and abs(right - round(right)) < 1e-6 * run.n + 1e-9
    return BoundedMean(run.score, 1 / run.n, 1 / run.n) if exact and 0 < run.n < MANY_ANSWERS else None


def side_of(runs: Sequence[Run], once: bool = False) -> Side:
    """One model's runs of a benchmark: repeats averaged item by item, identical greedy ones counted once.

    once: each part counts once, whatever the number of its items.
    """
    by_part: dict[str, list[Run]] = defaultdict(list)
    for run in sorted(runs, key=lambda r: (r.seed or "", r.date, r.file)):
        by_part[run.subtask].append(run)
    kept: list[Run] = []
    notes: list[str] = []
    scores: dict[ItemId, tuple[float, ...]] = {}
    answers: dict[ItemId, Answer] = {}
    errors: set[ItemId] = set()
    parts: list[tuple[int, list[list[float]]]] = []  # how much each counts, a list of scores for each repeat
    for subtask, rows in sorted(by_part.items()):
        distinct, remarks = distinct_runs(rows)
        notes += [remark for remark in remarks if remark not in notes]
        kept += distinct
        errors |= {(subtask, name) for run in distinct for name in run.errors}
        repeats = [repeat for run in distinct for repeat in run.repeats]
        if not repeats:
            parts.append((distinct[0].n or 1, [[run.score] for run in distinct]))
            continue
        common = [name for name in repeats[0] if all(name in repeat for repeat in repeats[1:])]
        errors |= {(subtask, name) for name in set().union(*repeats).difference(common)}
        items = [(subtask, name) for name in common]
        columns = [[repeat[name].score for name in common] for repeat in repeats]
        scores.update(zip(items, zip(*columns, strict=True), strict=True))
        answers.update(zip(items, [repeats[0][name] for name in common], strict=True))
        if common:
            parts.append((len(common), columns))
    counts = {len(part) for _, part in parts}
    if len(counts) > 1:
        notes.append("its parts were repeated a different number of times")
    weights = [1 if once else size for size, _ in parts]
    run_scores = tuple(
        math.fsum(w * math.fsum(part[i]) / len(part[i]) for w, (_, part) in zip(weights, parts, strict=True))
        / sum(weights)
        for i in range(min(counts, default=0))
    )
    run_scores = run_scores or tuple(run.score for run in kept)
    return Side(tuple(kept), scores, answers, frozenset(errors), run_scores, tuple(notes))


def with_absent(baseline: Side, candidate: Side) -> tuple[Side, Side]:
    """The sides with each item that only one of them names as a lost attempt of the other: left out or null is alike.

    A run that was limited to other items than the other side's is a declared subset, and lost none of them.
    """
    sides, limits = (baseline, candidate), [{run.limit for run in side.runs} for side in (baseline, candidate)]
    if limits[0] != limits[1]:
        return sides
    asked: dict[str, set[str]] = defaultdict(set)
    for part, name in set().union(*(names for side in sides for names in (side.scores, side.errors))):
        asked[part].add(name)
    return tuple(replace(side, runs=tuple(with_lost(run, asked[run.subtask]) for run in side.runs)) for side in sides)


def with_lost(run: Run, asked: Collection[str]) -> Run:
    """The run with those of the items that it was asked and has no score of as lost ones."""
    absent = frozenset(asked) - run.errors.union(*run.repeats)
    if not run.repeats or not absent:
        return run
    rows = len(run.errors.union(absent, *run.repeats)) * len(run.repeats)
    counts = {name: max(count, rows) if name == "attempts" else count for name, count in run.counts.items()}
    return replace(run, errors=run.errors | absent, counts=counts)


@dataclass(frozen=True, slots=True)
class Matched:
    """How the items of two sides go together."""

    names: tuple[ItemId, ...]
    only_baseline: int
    only_candidate: int
    errors: int
    other_items: int
    other_texts: int  # of these, the items whose prompts differ too
    other_prompts: int
    unknown_prompts: int


def match_items(baseline: Side, candidate: Side) -> Matched:
    """Pair by id; an item whose content differs is not paired, one whose prompt differs is, and both are counted."""
    errors = baseline.errors | candidate.errors
    common = [name for name in baseline.scores if name in candidate.scores]
    names: list[ItemId] = []
    other_items = other_texts = other_prompts = unknown = 0
    for name in common:
        one, two = baseline.answers[name], candidate.answers[name]
        if one.item_hash and two.item_hash and one.item_hash != two.item_hash:
            other_items += 1
            other_texts += None not in (one.prompt_hash, two.prompt_hash) and one.prompt_hash != two.prompt_hash
            continue
        if one.prompt_hash and two.prompt_hash:
            other_prompts += one.prompt_hash != two.prompt_hash
        else:
            unknown += 1
        names.append(name)
    return Matched(
        tuple(names),
        *(
            len(side.scores) - len(common) - sum(name in side.scores and name not in other.scores for name in errors)
            for side, other in ((baseline, candidate), (candidate, baseline))
        ),
        len(errors),
        other_items,
        other_texts,
        other_prompts,
        unknown,
    )


def part_factors(names: Iterable[ItemId], once: bool) -> dict[str, float]:
    """Part -> what its items' scores are multiplied by, so that the mean over all is the mean of the parts' means.

    Of 1 where items count alike (once: each part counts alike).
    """
    sizes = Counter(part for part, _ in names)
    every = sum(sizes.values())
    return {part: every / (len(sizes) * size) if once else 1.0 for part, size in sizes.items()}


def make_pairs(baseline: Side, candidate: Side, names: Sequence[ItemId], once: bool = False) -> Pairs:
    """The paired items as arrays, sorted by what was scored so that neither names nor file order matter."""
    import numpy as np

    factors = part_factors(names, once)
    one, two = (np.array(means_in_order(side, names, factors), float) for side in (baseline, candidate))
    sharing = sharing_of_all(baseline, candidate, names)
    # The names of a cluster and a rater sort last and only among equal scores.
    order = np.lexsort((two, one))
    if sharing:
        order = sorted(range(len(names)), key=lambda i: (one[i], two[i], *sharing[i]))
    return Pairs(
        one[order],
        two[order],
        numbered_sharing([sharing[i] for i in order] if sharing else []),
        (mean_within(baseline, names, factors), mean_within(candidate, names, factors)),
        (baseline.repeats, candidate.repeats),
        (spread_of_runs(baseline, names, factors), spread_of_runs(candidate, names, factors)),
        max(factors.values(), default=1.0),
    )


def means_in_order(side: Side, names: Sequence[ItemId], factors: Mapping[str, float]) -> list[float]:
    """The mean of each item's repeats."""
    own = [(factors[name[0]], side.scores[name]) for name in names]
    return [
        factor * scores[0] if len(scores) == 1 else math.fsum([factor * score for score in scores]) / len(scores)
        for factor, scores in own
    ]


def sharing_of_all(baseline: Side, candidate: Side, names: Sequence[ItemId]) -> list[tuple[ItemId, str]]:
    """What each item shares; nothing at all where no item shares anything."""
    answers = (side.answers[name] for side in (baseline, candidate) for name in names)
    if not any(answer.group is not None or "rater" in answer.fields for answer in answers):
        return []
    return [sharing_of(baseline, candidate, name) for name in names]


def sharing_of(baseline: Side, candidate: Side, name: ItemId) -> tuple[ItemId, str]:
    """(cluster, rater) of an item; one without a group is its own cluster, one without a rater has ""."""
    own, other = candidate.answers[name], baseline.answers[name]
    group = own.group or other.group
    rater = own.fields.get("rater") or other.fields.get("rater") or ""
    return (name if group is None else (name[0], group)), rater


def numbered_sharing(sharing: Sequence[tuple[ItemId, str]]) -> dict[str, np.ndarray]:
    """ "clusters" and "raters" -> the number of each item's, where items share them."""
    shared = {"clusters": numbered_groups([cluster for cluster, _ in sharing])}
    shared["raters"] = numbered_groups([rater for _, rater in sharing]) if any(rater for _, rater in sharing) else None
    return {what: numbers for what, numbers in shared.items() if numbers is not None}


def numbered_groups(names: Sequence[Any]) -> np.ndarray | None:
    """Names as numbers in the order of their first place; None when nothing is shared."""
    import numpy as np

    numbers: dict[Any, int] = {}
    codes = [numbers.setdefault(name, len(numbers)) for name in names]
    return np.array(codes) if len(numbers) < len(names) else None


def off_the_commonest(differences: np.ndarray) -> int:
    """How many differences are not the commonest one: where all are the same, nothing says how much they may vary."""
    import numpy as np

    shares = np.round(differences / np.abs(differences).max(), 9)  # equal but for the last digits of a float
    return len(shares) - int(np.unique(shares, return_counts=True)[1].max())


def spread_of_runs(side: Side, names: Sequence[ItemId], factors: Mapping[str, float]) -> float:
    """The variance of the means of a side's runs; 0 for a single run."""
    import numpy as np

    if side.repeats < 2 or not names:
        return 0.0
    scores = [[factors[name[0]] * score for score in side.scores[name][: side.repeats]] for name in names]
    return float(np.array(scores).mean(axis=0).var(ddof=1))


def mean_within(side: Side, names: Sequence[ItemId], factors: Mapping[str, float]) -> float:
    """The mean variance of an item's repeats; 0 where each was asked once."""
    import numpy as np

    if side.repeats < 2 or not names:
        return 0.0
    own = [name for name in names if len(side.scores[name]) > 1]
    return float(np.mean([factors[name[0]] ** 2 * np.var(side.scores[name], ddof=1) for name in own]))


# --- parts/comparison/comparable.py -----------------------------------------------------------------------------------

METRIC_COMMANDS = 4  # commands that are printed where one of several metrics is to be chosen
MOST_UNPAIRED = 0.05  # share of items that one side may lack before the item sets count as unlike
ANY_MEAN = "mean of the items"
NEMO_MEANS = {"meanreward": ANY_MEAN, "pass1": ANY_MEAN}  # NeMo Evaluator's names for it


def grouped_by_settings(runs: Sequence[Run]) -> list[list[Run]]:
    """Runs of one task that were made alike, of equally many items; the largest group first."""
    groups: list[list[Run]] = []
    for run in sorted(usable_runs(runs), key=lambda run: (settings_in_order(run), run.file)):
        for group in groups:
            if made_alike(group[0], run):
                group.append(run)
                break
        else:
            groups.append([run])
    return sorted(groups, key=lambda rows: (bool(rows[0].validity.reasons), -(rows[0].attempts.made or 0), -len(rows)))


def settings_in_order(run: Run) -> str:
    """A run's settings in an order of their own, so that of several runs all benchmarks take the same one."""
    return json.dumps(sorted(run.settings.items()))


def made_alike(one: Run, two: Run) -> bool:
    """Whether two runs were made in one way, of equally many items."""
    first, second = ((run.measured, run.attempts.made, run.unit, run.high) for run in (one, two))
    return first == second and one.settings.keys() == two.settings.keys() and not setting_differences(one, two)


def choose_alike(baseline: Sequence[Run], candidate: Sequence[Run]) -> tuple[list[Run], list[Run], list[str]]:
    """The runs of one task to compare: those made alike on both sides, else the largest groups; and what was left.

    ScriptError(code=3) where both sides have several such pairs: which is meant is not for a program to say.
    """
    ours, theirs = grouped_by_settings(baseline), grouped_by_settings(candidate)
    alike = [(a, b) for a in ours for b in theirs if not setting_differences(a[0], b[0])]
    alike = [(a, b) for a, b in alike if a[0].attempts.made == b[0].attempts.made] or alike
    for other in alike[1:]:
        for kept, its in zip(alike[0], other, strict=True):
            check_one_pair(kept[0], its[0])
    one, two = alike[0] if alike else (ours[0], theirs[0])
    return one, two, [*left_out_lines("baseline", ours, one), *left_out_lines("candidate", theirs, two)]


def left_out_lines(name: str, groups: Sequence[list[Run]], kept: list[Run]) -> list[str]:
    """What is said of a side's runs that were made otherwise than those compared: how, and their score."""
    lines = []
    for runs in groups:
        if runs is not kept:
            how = difference_lines(setting_differences(kept[0], runs[0]))[:3] or [f"{runs[0].attempts.made} attempts"]
            lines.append(f"{name}: {len(runs)} runs are left out ({'; '.join(how)}; score {number(runs[0].score)})")
    return lines


def check_one_pair(one: Run, two: Run) -> None:
    """ScriptError(code=3) with the settings that tell two runs apart, and how to name one; nothing if alike."""
    found = setting_differences(one, two)
    if not found:
        return
    name, values = next(iter(found.items()))
    dates = [moment_of_run(run) for run in (one, two)]
    ages = ("newer", "older") if dates[0] > dates[1] else ("older", "newer") if dates[0] < dates[1] else ("", "")
    ways = [
        shlex.quote(single_line(f"NAME[{name}={value}]")) + f" ({moment_text(date)}{', ' * bool(age)}{age})"
        for value, date, age in zip(values, dates, ages, strict=True)
    ]
    raise ScriptError(
        f"{one.task}: both sides were measured in several ways ({'; '.join(difference_lines(found)[:3])}); say which: "
        f"{ways[0]} or {ways[1]} for --baseline and --candidate, or give the records",
        code=3,
    )


def spelled_metric(run: Run) -> str:
    """A result's metric as its harness spells it, with the filter if it has one: "exact_match,strict-match"."""
    return run.result_id.rpartition("/")[2]


def other_filters(run: Run, runs: Iterable[Run]) -> list[str]:
    """The spellings of the same task's metric with other filters than a result's own."""
    own = spelled_metric(run)
    found = {spelled_metric(other) for other in runs if (other.key, other.subtask) == (run.key, run.subtask)}
    named = own.partition(",")[0]
    found = {one for one in found - {own} if "," in one and not same_metric(one, own)}
    return sorted(one for one in found if same_metric(one.partition(",")[0], named))


def of_metric(metric: str, runs: Sequence[Run]) -> list[Run]:
    """The runs that a metric's name fits: an id, a harness's spelling (acc,none), a shared name.

    A name without a filter fits all filters of the metric.
    """
    named = (
        [run for run in runs if metric in (run.result_id, spelled_metric(run))]
        or [run for run in runs if run.metric == metric]
        or [run for run in runs if any(same_metric(metric, own) for own in (run.metric, spelled_metric(run)))]
    )
    if "," in metric:
        return named
    filtered = [run for run in runs if "," in spelled_metric(run) and run not in named]
    return named + [run for run in filtered if same_metric(metric, spelled_metric(run).partition(",")[0])]


class SeveralMetrics(ScriptError):
    """Several of a benchmark's results are meant, and nothing says which counts."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self.ids = sorted({run.result_id for run in runs})
        self.spellings = sorted({spelled_metric(run) for run in runs})
        super().__init__(f"several metrics: {listing(self.ids, 20)}", code=3)


class MetricsToChoose(ScriptError):
    """The one error for all benchmarks of all models of which a metric is to be chosen; `found`: (model, benchmark) ->
    what there is; `settled`: the benchmarks of which one is named."""

    def __init__(self, found: Mapping[tuple[str, str], SeveralMetrics], settled: Sequence[str] = ()) -> None:
        self.found, self.settled = dict(found), list(settled)
        keys: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for (_, key), one in found.items():
            if key not in keys[tuple(one.spellings)]:
                keys[tuple(one.spellings)].append(key)
        ids = list(dict.fromkeys(result_id for one in found.values() for result_id in one.ids))
        told = "; ".join(f"{listing(own, 3)}: {listing(metrics, 20)}" for metrics, own in keys.items())
        told = listing(ids, 20) if len(ids) <= 20 else told
        super().__init__(
            f"{listing(dict.fromkeys(model for model, _ in found))}: several metrics ({told}): name one with --metric, "
            "or several, whose tests are corrected together; or one of a benchmark with --result-id, or in a policy",
            code=3,
        )

    @property
    def choices(self) -> list[list[str]]:
        """The ids for one --result-id after another, each of which names a result of every benchmark that is asked."""
        most = min(METRIC_COMMANDS, max(len(one.ids) for one in self.found.values()))
        return [list(dict.fromkeys(one.ids[i % len(one.ids)] for one in self.found.values())) for i in range(most)]


def choose_metric(
    runs: Sequence[Run], where: str, wanted: str | None, entry: Mapping[str, Any], result_ids: Iterable[str]
) -> list[Run]:
    """The runs of one benchmark with one metric: the policy's, that of --result-id, else metric_mapping.json's.

    Of a metric with several filters, a known benchmark's own is the one that has the plain name of the metric that
    metric_mapping.json (`entry`) says. ScriptError: code 2 when the policy's is not there; SeveralMetrics when nothing
    says which.
    """
    chosen = [run for run in runs if run.result_id in result_ids]
    chosen = chosen or [run for run in runs if wanted or not is_of_raters(run.metric)] or list(runs)
    if wanted is not None and NEMO_MEANS.get(normalize_name(wanted)) == ANY_MEAN and not of_metric(wanted, chosen):
        chosen, wanted = [run for run in chosen if run.aggregation == "mean"] or chosen, None
    if wanted is not None:
        named = of_metric(wanted, chosen)
        if not named:
            there = listing(sorted({run.metric for run in chosen}))
            raise ScriptError(f"{where}: no metric {wanted!r}; there are: {there}")
        if wanted not in {run.metric for run in named}:
            note(f"note: {where}: metric {single_line(wanted)}: {listing(sorted({run.result_id for run in named}))}")
        chosen = named
    if len({run.metric for run in chosen}) > 1:
        usual = entry.get("metric")
        named = of_metric(usual, chosen) if usual and (wanted is None or same_metric(wanted, usual)) else []
        if not entry.get("own"):
            named = [run for run in named if same_metric(run.metric, usual)] or named
        if len({run.metric for run in named}) != 1:
            raise SeveralMetrics(named if wanted is None and named else chosen)
        return named
    return chosen


def unlike_reasons(baseline: Side, candidate: Side, matched: Matched, paired: bool) -> list[str]:
    """What keeps two sides from being compared: settings, items, prompts."""
    reasons: list[str] = []
    by_part = {run.subtask: run for run in reversed(baseline.runs)}
    for run in candidate.runs:
        if run.subtask in by_part:
            lines = difference_lines(setting_differences(by_part[run.subtask], run))
            reasons += [line for line in lines if line not in reasons]
    for side, name in ((baseline, "baseline"), (candidate, "candidate")):
        partial = list(dict.fromkeys(run.partial for run in side.runs if run.partial))
        reasons += [f"the {name}'s is over {listing(partial, 3)}, a smoke test and no score"] if partial else []
        if not all(run.measured for run in side.runs):
            reasons.append(f"the {name}'s score was read from a document, not measured")
    if not paired:
        shared = any(share_votes(one.votes, two.votes) for one in baseline.runs for two in candidate.runs)
        if shared and same_votes_gap(baseline, candidate) is None:
            reasons.append("both scores are from the same votes, and without their items nothing is known of the gap")
        return reasons
    if matched.other_texts:
        what = "in another template or doc_to_text, or other items under the same ids"
        reasons.append(f"the prompts differ: {matched.other_texts} items were asked {what}")
    if matched.other_items > matched.other_texts:
        reasons.append(f"{matched.other_items - matched.other_texts} items have the same id and other content")
    if matched.other_prompts:
        reasons.append(f"{matched.other_prompts} items were asked with other prompts")
    if other_item_sets(baseline, candidate, matched):
        reasons += unlike_votes(baseline, candidate)
        reasons.append(
            f"item sets: {matched.only_baseline} items only the baseline has, "
            f"{matched.only_candidate} only the candidate"
        )
    if reasons and (moved := questions_moved(baseline, candidate)):
        reasons.append(f"{moved} questions are the same on both sides, under other ids (matched by their content)")
    return reasons


def scale_reasons(baseline: Side, candidate: Side) -> list[str]:
    """Why two sides are on no one scale, so that nothing allows to compare their scores."""
    by_part = {run.subtask: run for run in reversed(baseline.runs)}
    found = [unlike_scales(by_part[run.subtask], run) for run in candidate.runs if run.subtask in by_part]
    return list(dict.fromkeys(line for one in found for line in difference_lines(one)))


def same_votes_gap(baseline: Side, candidate: Side) -> VoteGap | None:
    """The gap of two scores of one file of votes, with its error; None where their items tell it, or nothing does."""
    if len(baseline.runs) != 1 or len(candidate.runs) != 1:
        return None
    return gap_in_votes(baseline.runs[0].votes, candidate.runs[0].votes)


def unlike_votes(baseline: Side, candidate: Side) -> list[str]:
    """Why two scores of one file of votes are not compared, and what would be."""
    one, two = (side.runs[0].votes for side in (baseline, candidate))
    if one is None or two is None or one.file != two.file:
        return []
    common = sorted(set(one.against) & set(two.against))
    ways = [f"--opponent {listing(common, 5)}"] if common else []
    return [
        "in their file of votes they met unlike opponents, or hardly ever won or lost: score both with "
        + " or with ".join([*ways, "--metric bradley-terry"])
    ]


def other_item_sets(baseline: Side, candidate: Side, matched: Matched) -> bool:
    """Whether so many items are one side's alone that the sides were not asked the same set."""
    everything = max(len(baseline.scores), len(candidate.scores), 1)
    return max(matched.only_baseline, matched.only_candidate) > MOST_UNPAIRED * everything


def questions_moved(baseline: Side, candidate: Side) -> int:
    """How many questions both sides have, by their content, under other ids."""
    places = [{a.item_hash: name for name, a in side.answers.items() if a.item_hash} for side in (baseline, candidate)]
    return sum(places[1].get(content, name) != name for content, name in places[0].items())


def invalid_reasons(side: Side, name: str) -> list[str]:
    """What the gate says against a side's scores."""
    found: dict[str, list[str]] = defaultdict(list)
    for run in side.runs:
        for reason in run.validity.reasons:
            found[f"{name}: {reason}"].append(run.subtask)
    return [line + (f" ({listing(parts, 3)})" if any(parts) else "") for line, parts in found.items()]


def remark_notes(side: Side, name: str) -> list[str]:
    """What the gate remarks about a side's scores, but for lost attempts, of which more is said elsewhere."""
    remarks = (remark for run in side.runs for remark in run.validity.remarks)
    return list(dict.fromkeys(f"{name}: {remark}" for remark in remarks if not remark.endswith("without a score")))


def policy_reasons(sides: Sequence[Side], policy: Policy, paired: bool) -> list[str]:
    """Where the runs are not made with what the policy demands."""
    reasons = []
    for side, name in zip(sides, ("baseline", "candidate"), strict=False):
        if "hash" in policy.require and not all(run.identity.fixed for run in side.runs):
            reasons.append(f"the policy requires a hash of the weights, the {name}'s records have none")
        if "samples" in policy.require and not all(run.repeats for run in side.runs):
            reasons.append(f"the policy requires samples, the {name}'s records have none")
    if policy.require_paired and sides and not paired:
        reasons.append("the policy requires paired items (require_paired)")
    for library, version in sorted({run.harness for side in sides for run in side.runs}):
        if policy.harness:
            wanted = {library_field(name): pattern for name, pattern in policy.harness.items()}
            pattern = wanted.get(library_field(library))
            if pattern is None:
                reasons.append(f"the policy wants {listing(policy.harness)}, this is {library}")
            elif not fnmatch.fnmatchcase(version, pattern):
                reasons.append(f"the policy wants {library} {pattern}, this is {version}")
    return reasons


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


# --- parts/comparison/again.py ----------------------------------------------------------------------------------------

# What lm-eval takes for a model's arguments, for drawing answers, and as seeds with what they are when nobody says so.
LM_EVAL_LOADING = ("max_model_len", "quantization", "load_in_8bit", "load_in_4bit", "kv_cache_dtype", "softmax_dtype")
LM_EVAL_LOADING += ("add_bos_token", "enable_thinking", "think_end_token", "enforce_eager", "attn_implementation")
LM_EVAL_DRAWS = ("do_sample", "temperature", "top_p", "top_k", "min_p", "max_gen_toks", "repetition_penalty")
LM_EVAL_DRAWS += ("presence_penalty", "frequency_penalty")
LM_EVAL_SEEDS = {"random_seed": "0", "numpy_seed": "1234", "torch_seed": "1234", "fewshot_seed": "1234"}
INSPECT_OPTIONS = ("limit", "temperature", "max_tokens", "seed", "top_p", "top_k", "frequency_penalty")
INSPECT_OPTIONS += ("presence_penalty", "reasoning_effort", "reasoning_tokens", "message_limit", "token_limit")
AGAIN_FOLDER = "again"
OWN_QUESTIONS = "your questions"
ITS_FILE = "PREDICTIONS"
# Settings that follow from the others or from the task, so that no option says them.
FOLLOW = {"harness", "metric", "metric name", "prompt template", "chat template text", "chat template hash"}
FOLLOW |= {"chat_template_sha", "examples_in_prompts", "few-shot split"}
ITS_FOLDER = "FOLDER"  # stands for a checkpoint's folder, which no record tells
CUE_CURE = "a cue at the end of the prompt"
# What an answer lacks -> what to change for both models, by the words of the gate.
CURES = {
    COUNT_WORDS["empty"]: CUE_CURE,
    COUNT_WORDS["unparsed"]: CUE_CURE,
    COUNT_WORDS["truncated"]: "more --max-tokens",
    COUNT_WORDS["truncated_prompts"]: "fewer shots, or a greater --max-model-len",
    "without a score": "the cause in the samples' `error`",
}


@dataclass(frozen=True, slots=True)
class Way:
    """A command with a place for its tasks: the words before and after them, how they stand there, a second command.

    said: words in place of a command, where none can be given; yours: options that the record's command had besides.
    own: what FILE is, which only the user can name, where the tasks are files of one's own questions or in such a file;
    unknown: the checkpoint of which only the user knows the folder. sets: the settings that the command makes, by their
    words; unset: those that it leaves, and in which the two models differ.
    """

    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    then: tuple[str, ...] = ()
    apart: bool = False
    said: str = ""
    yours: tuple[str, ...] = ()
    own: str = ""
    unknown: str = ""
    sets: tuple[str, ...] = ()
    unset: tuple[str, ...] = ()

    def line(self, tasks: Sequence[str]) -> str:
        """The way for these tasks, each word quoted once."""
        if self.said:
            return f"{self.said}: {single_line(shlex.join(tasks))}"
        files = ["FILE" if self.own == OWN_QUESTIONS else f"FILE@{task}" for task in tasks] if self.own else []
        words = files or (tasks if self.apart else [",".join(tasks)])
        line = command_line_of([*self.before, *words, *self.after])
        whole = " && ".join([line, *([command_line_of(self.then)] if self.then else [])])
        told = [f"FILE: {self.own} {single_line(', '.join(tasks))}"] * bool(self.own)
        told += [f"{ITS_FOLDER}: where {single_line(self.unknown)} lies"] * bool(self.unknown)
        told += [yours_to_name(self.yours)] * bool(self.yours)
        unset = f"not set by this command, and unlike, so what it gives is not yet alike: {'; '.join(self.unset)}"
        told += [unset] * bool(self.unset)
        return f"{whole}  # {'; '.join(told)}" if told else whole


def ways_out(rows: Iterable[tuple[Row, tuple[str, str]]], models: Mapping[str, ModelRuns]) -> list[str]:
    """For rows without a comparison, each with its (first, second) model: what to run, once for all tasks alike."""
    tasks: dict[tuple[str, str, Way], list[str]] = defaultdict(list)
    causes: dict[str, list[str]] = defaultdict(list)
    mended: list[TaskFailure] = []
    units: list[str] = []
    scored: list[str] = []
    for row, names in rows:
        if row.verdict not in (NOT_COMPARABLE, ABSENT):
            continue
        found = [[run for run in models[name].runs if run.key == row.key] for name in names]
        found = [list(side.runs) for side in row.sides] if row.sides else found
        usable = [i for i in (0, 1) if found[i] and all(is_usable(run) for run in found[i])]
        alike = row.sides and not unlike_reasons(*row.sides, match_items(*row.sides), all(s.scores for s in row.sides))
        spoilt = [(names[i], cause) for i in (0, 1) if alike and (cause := cause_of(found[i]))]
        for name, cause in spoilt:
            causes[cause] += [name] if name not in causes[cause] else []
        failed = [models[names[i]].failures.get(row.key) for i in (0, 1) if not found[i]]
        failed = [failure for failure in failed if failure and failure.file]
        mended += failed
        if failed:
            continue
        if row.sides and (scales := scale_reasons(*row.sides)):
            units.append(unit_stated(row, scales))
            continue
        if not usable or spoilt:
            continue
        one, other = (names[usable[0]], names[1 - usable[0]])
        if found[usable[0]][0].harness[0] == SCORED_FILES:
            scored += scored_alike(row, found, names, usable[0])
            continue
        others = {run.subtask: run for run in reversed(found[1 - usable[0]])}
        for run in found[usable[0]]:
            way, task = way_like(run, *model_argument(models[other], other))
            way = replace(way, unset=left_unlike(run, others.get(run.subtask), way))
            if task not in tasks[one, other, way]:
                tasks[one, other, way].append(task)
    alike: dict[tuple[str, str], list[str]] = defaultdict(list)
    for (one, other, way), own in tasks.items():
        alike[other, way.line(own)].append(one)
    lines = [
        f"measure {single_line(other)} as {listing(ones)} {'was' if len(ones) == 1 else 'were'}: {line}"
        for (other, line), ones in alike.items()
    ]
    return [
        *filter(None, [conversion_again(mended)]),
        *dict.fromkeys(units),
        *dict.fromkeys(scored),
        *lines,
        *(f"{listing(names, 20)}: {cause}" for cause, names in causes.items()),
    ]


def left_unlike(run: Run, other: Run | None, way: Way) -> tuple[str, ...]:
    """The settings of a run in which another one differs, and that the command of a harness does not make."""
    if other is None or way.said or not way.sets:
        return ()
    made = {*way.sets, *words_for(way.yours), *FOLLOW}
    found = {name: values[0] for name, values in setting_differences(run, other).items() if name not in made}
    none = (UNSAID, "false")
    return tuple(f"{name} {shortened(value)}" for name, value in found.items() if value.lower() not in none)


def scored_alike(row: Row, found: Sequence[Sequence[Run]], names: Sequence[str], first: int) -> list[str]:
    """The way out for scores of files of predictions: the side that lacks items is completed, one that was scored
    otherwise is scored again."""
    matched = match_items(*row.sides) if row.sides else None
    lacks = (matched.only_candidate, matched.only_baseline) if matched else (0, 0)  # of the first side, of the second
    settings = row.sides and any(
        setting_differences(one, two) for one in found[0] for two in found[1] if one.subtask == two.subtask
    )
    if matched and not settings and any(lacks):
        rated = any("rater" in answer.fields for side in row.sides for answer in side.answers.values())
        what = "ratings (of an item by a rater)" if rated else "items"
        if all(lacks):
            told = f"{lacks[0]} {what} only {names[1]} has, {lacks[1]} only {names[0]}"
            both = "both are to be rated by the same people on the same items" if rated else "give both the same items"
            return [f"{row.label}: {told}: {both}, under the same ids, and score them again"]
        other = 0 if lacks[0] else 1
        told = f"complete {names[other]}'s file, which lacks {max(lacks)} {what} that {names[1 - other]} has"
    else:
        other = 1 - first
        told = f"score {names[other]}'s file as {names[first]}'s was"
    run = found[1 - other][0]
    command = str(mapping_in(mapping_in(record_behind(run), "eval_library"), "additional_details").get("command") or "")
    words = [*run_words("score_predictions.py"), ITS_FILE, *scoring_options(command), "--model-id", names[other]]
    words = words if is_model_word(names[other]) else words[:-2]
    return [f"{told}: {command_line_of([*words, *into_folder(run.file)])}  # {ITS_FILE}: {names[other]}'s file"]


def conversion_again(failures: Iterable[TaskFailure | None]) -> str:
    """The way out of numbers that their metrics cannot have: no other measurement, the files as they should be."""
    found = [failure for failure in failures if failure and failure.file and is_one_line(failure.file)]
    files = sorted({failure.file for failure in found})
    words = [*run_words("convert_results.py"), *map(Path, files), *into_folder(found[0].record if found else "")]
    return f"correct {listing(files, 20)} and convert again: {command_line_of(words)}" if files else ""


def into_folder(record: str) -> tuple[str, ...]:
    """Where records are to lie beside one, which is below a results folder's data/collection/developer/model."""
    parents = Path(record).parents
    folder = parents[4] if Path(record).parts[-5:-4] == ("data",) else parents[0] if record else Path("results")
    return ("--output-dir", path_word(folder))


def unit_stated(row: Row, scales: Sequence[str]) -> str:
    """The way out of scores on two scales: no other measurement, but what the numbers of the records are."""
    runs = [run for side in row.sides for run in side.runs]
    unclear = [run for run in runs if run.unit == "unknown"] or runs
    files = listing([run.file for run in unclear if is_one_line(run.file)], 4)
    fields = "metric_unit, min_score, max_score, lower_is_better"
    return (
        f"{row.label}: {'; '.join(scales)}: measured again they would be the same. Say what the numbers are in "
        f"metric_config ({fields}) of {single_line(unclear[0].result_id)} in {files}, or convert the score there to "
        "the other's unit"
    )


def cause_of(runs: Sequence[Run]) -> str:
    """What fits answers that cannot be used, and that the same measurement would give again; nothing for another
    reason against a run."""
    reasons = [reason for run in runs if run.measured for reason in run.validity.reasons]
    lacks = {words: cure for words, cure in CURES.items() if any(r.endswith(f" answers {words}") for r in reasons)}
    if not lacks or any(not reason.endswith(tuple(f" answers {words}" for words in lacks)) for reason in reasons):
        return ""
    cures = list(dict.fromkeys(lacks.values()))
    allowed = f"max_invalid: {share_needed(reasons):g} in a --policy FILE, or --allow-unlike"
    if all(run.harness[0] == SCORED_FILES for run in runs if run.measured):
        return (
            f"too many answers {listing(lacks)} in the predictions that were scored: complete the file and score it "
            f"again; or, where these are the model's answers and with the user's yes, allow them: {allowed}"
        )
    if CUE_CURE in cures:
        own = any(is_own_questions(record_behind(run), run) for run in runs)
        way = r"--template '{question}\nAnswer:'" if own else "--use-chat-template for a chat model"
        cures[cures.index(CUE_CURE)] = f"{CUE_CURE} ({way})"
    again = "" if "without a score" in lacks else ", so the same again gives the same"
    return (
        f"measured like the other, and too many answers {listing(lacks)}{again}; change for "
        f"all models: {listing(cures)}; or, with the user's yes, compare the scores as they are: {allowed}"
    )


def share_needed(reasons: Iterable[str]) -> float:
    """The least max_invalid, in hundredths, with which answers like "7 of 60 answers empty" are no reason."""
    found = [re.match(r"(\d+) of (\d+) answers ", reason) for reason in reasons]
    return max(math.ceil(100 * int(one[1]) / int(one[2])) for one in found if one) / 100


def is_own_questions(record: Mapping[str, Any], run: Run) -> bool:
    """Whether a record's task is a file of --questions."""
    details = mapping_in(mapping_in(record, "eval_library"), "additional_details")
    carried = carried_options(str(details.get("command") or ""))
    source = mapping_in(mapping_in(result_behind(record, run), "source_data"), "additional_details")
    return carried is not None and "--questions" in carried.yours and source.get("split") == "questions"


def result_behind(record: Mapping[str, Any], run: Run) -> Mapping[str, Any]:
    rows = record.get("evaluation_results") or []
    return next((row for row in rows if row.get("evaluation_result_id") == run.result_id), {})


def is_usable(run: Run) -> bool:
    """Whether a run is a measurement that another one may be like."""
    return run.measured and not run.validity.reasons


def model_argument(model: ModelRuns, name: str) -> tuple[str, bool, str]:
    """(how a model is given to a script, whether that is a folder, a checkpoint whose folder only the user knows).

    It is the folder that a record names where that is here, else the id and revision, or the name it was asked by.
    """
    for run in model.runs:
        details = mapping_in(mapping_in(record_behind(run), "model_info"), "additional_details")
        path, revision = details.get("path"), run.identity.revision
        if isinstance(path, str) and Path(path).is_dir():
            return path_word(path), True, ""
        if path and not revision:
            return ITS_FOLDER, True, run.identity.id or name
        if run.identity.adapter not in ("", run.identity.id):  # that id is its base's
            return run.identity.adapter, False, ""
        return run.identity.id + (f"@{revision}" if revision and revision != "main" else "") or name, False, ""
    return name, False, ""


def record_behind(run: Run) -> Mapping[str, Any]:
    try:
        return read_record(Path(run.file)) or {}
    except (ScriptError, OSError):
        return {}


def way_like(run: Run, model: str, local: bool, unknown: str) -> tuple[Way, str]:
    """(how the model is measured as this run was, the run's task); for the others see model_argument."""
    record = record_behind(run)
    library = mapping_in(record, "eval_library")
    details = mapping_in(library, "additional_details")
    row = result_behind(record, run)
    said = dict(mapping_in(mapping_in(row, "generation_config"), "additional_details"))
    said |= mapping_in(mapping_in(row, "generation_config"), "generation_args")
    said["engine"] = mapping_in(mapping_in(record, "model_info"), "inference_engine").get("name")
    said["shots"] = run.shots
    of_file = details.get("task_file") and not str(details.get("task")).startswith("inspect_evals/")
    task = str(details.get("task") or run.name)
    carried = carried_options(str(details.get("command") or ""))
    name, version = library_field(str(library.get("name") or "")), str(library.get("version") or "")
    version = version if re.fullmatch(r"\d[\w.!-]{0,40}", version) else ""
    if carried is None and name in HARNESSES:
        task = task.partition("|")[0] if name != "lighteval" else task if "|" in task else f"{task}|{run.shots or 0}"
    bare = task.removeprefix("inspect_evals/")
    named = is_task_name(bare) and (is_model_word(model) if carried is None else is_one_line(model))
    if named and carried is not None:
        way = own_command(carried, model, is_own_questions(record, run))
        return replace(way, after=(*way.after, *into_folder(run.file)), unknown=unknown), task
    if named and name in HARNESSES:
        way = HARNESSES[name](model, version, said)
        if name == "inspect" and of_file:
            way = replace(way, own=f"your task file {single_line(details['task_file'])[:100]} with")
        way = replace(way, then=(*then_convert(), *into_folder(run.file)))
        if local:  # the new records are known by the same weights as the old ones
            way = replace(way, then=(*way.then, "--checkpoints", model), unknown=unknown)
        return way, f"inspect_evals/{bare}" if name == "inspect" and not way.own else bare if way.own else task
    told = [f"{run.shots}-shot"] * bool(run.shots)
    told += [
        f"{key} {shlex.quote(str(said[key]))}"
        for key in ("dtype", "backend", "temperature", "max_tokens")
        if is_said(said, key)
    ]
    how = single_line(" ".join(["with", *map(shlex.quote, run.harness), *([f"({', '.join(told)})"] if told else [])]))
    odd = "" if named else " (no command: the record's task or model is no plain name; look at the record)"
    return Way(said=how + odd), task


def own_command(carried: Carried, model: str, own: bool) -> Way:
    """A command of one of this project's scripts with another model; own: for a file of questions."""
    option = "--questions" if own else "--task" if carried.script.startswith("inspect") else "--tasks"
    before = (*run_words(carried.script), "--model", model, option)
    yours = tuple(name for name in carried.yours if name != "--questions")
    return Way(before, carried.words, apart=option == "--task", yours=yours, own=OWN_QUESTIONS if own else "")


def harness_alone() -> list[str]:
    """What runs a harness itself: nothing of the current folder, which may be a stranger's, says how."""
    return [*uv_words(harness=True), "--no-project"]


def run_words(name: str) -> list[str]:
    """What runs a script of this project, as words that are not yet quoted."""
    return shlex.split(run_line(name))


def is_said(said: Mapping[str, Any], key: str) -> bool:
    return said.get(key) not in (None, "", "None", False) and str(said[key]).lower() != "false"


def with_flags(said: Mapping[str, Any], flags: Mapping[str, str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(words for what a record says: --seed 1234, a flag alone where it says true; flags whose value is not plain)."""
    words: list[str] = []
    odd: list[str] = []
    for key, flag in flags.items():
        value = str(said.get(key))
        if not is_said(said, key):
            continue
        if value.lower() == "true":
            words.append(flag)
        elif is_one_line(value) if key == "system_prompt" else is_plain_word(value):
            words += [f"{flag}{value}"] if flag.endswith("=") else [flag, value]
        else:
            odd.append(flag.rstrip("="))
    return tuple(words), tuple(odd)


def model_arguments(model: str, name: str, said: Mapping[str, Any], more: Sequence[str] = ()) -> str:
    """The model's arguments as a harness wants them: "pretrained=o/m,revision=abc,dtype=float16"."""
    model, _, revision = model.partition("@")
    known = {name: model, "revision": revision} | {key: plain_setting(said, key) for key in ("dtype", *more)}
    return ",".join(f"{key}={value}" for key, value in known.items() if value)


def plain_setting(said: Mapping[str, Any], key: str) -> str:
    """A setting that a record says, where it is a plain word; else nothing."""
    value = "" if said.get(key) in (None, "", "None") else str(said[key])
    return value if is_plain_word(value) else ""


def not_plain(said: Mapping[str, Any], keys: Iterable[str]) -> tuple[str, ...]:
    """The settings that a record says in more than a plain word."""
    return tuple(key for key in keys if is_said(said, key) and not plain_setting(said, key))


def words_for(keys: Iterable[str]) -> tuple[str, ...]:
    """The words for people of some settings."""
    return tuple(WORDS_OF_SETTINGS.get(key, key) for key in keys)


def lm_eval_command(model: str, version: str, said: Mapping[str, Any]) -> Way:
    backend = "vllm" if "vllm" in (said.get("backend"), said.get("engine")) else "hf"
    flags = {
        "shots": "--num_fewshot",
        "limit": "--limit",
        "use_chat_template": "--apply_chat_template",
        "apply_chat_template": "--apply_chat_template",
    }
    flags |= {"fewshot_as_multiturn": "--fewshot_as_multiturn", "system_prompt": "--system_instruction"}
    if not any(is_said(said, name) for name in ("use_chat_template", "apply_chat_template")):  # lm-eval refuses these
        flags = {name: flag for name, flag in flags.items() if name not in TEMPLATE_FORMS}
    how, odd = with_flags(said, flags)
    said = dict(said)
    if said.get("max_tokens") and not said.get("max_gen_toks"):
        said["max_gen_toks"] = said["max_tokens"]
    drawn = [f"{key}={value}" for key in LM_EVAL_DRAWS if (value := plain_setting(said, key))]
    seeds = [plain_setting(said, key) or usual for key, usual in LM_EVAL_SEEDS.items()]
    how += ("--gen_kwargs", ",".join(drawn)) if drawn else ()
    how += ("--seed", ",".join(seeds)) if seeds != list(LM_EVAL_SEEDS.values()) else ()
    more = (*LM_EVAL_LOADING, *(("max_length",) if backend == "hf" else ()))
    before = (*harness_alone(), "--with", pinned(f"lm-eval[{backend}]", version), "lm_eval", "--model", backend)
    before += ("--model_args", model_arguments(model, "pretrained", said, more), "--tasks")
    after = (*how, "--log_samples", "--output_path", AGAIN_FOLDER)
    left = (*odd, *not_plain(said, ("dtype", *more, *LM_EVAL_DRAWS)))
    made = {*flags, *LM_EVAL_SEEDS, *LM_EVAL_DRAWS, *more, "dtype", "few_shot", "backend", "max_tokens"} - set(left)
    return Way(before, after, yours=left, sets=words_for(sorted(made)))


def lighteval_command(model: str, version: str, said: Mapping[str, Any]) -> Way:
    backend = "vllm" if "vllm" in (said.get("backend"), said.get("engine")) else "accelerate"
    extra = "vllm" if backend == "vllm" else "math"
    more = ("max_model_length",) if backend == "vllm" else ("max_length",)
    how, odd = with_flags(said, {"limit": "--max-samples", "system_prompt": "--system-prompt"})
    before = (*harness_alone(), "--with", pinned(f"lighteval[{extra}]", version), "lighteval", backend)
    before += (model_arguments(model, "model_name", said, more),)
    after = (*how, "--save-details", "--output-dir", AGAIN_FOLDER)
    left = (*odd, *not_plain(said, ("dtype", *more)))
    made = {"limit", "system_prompt", "dtype", "few_shot", "backend", *more} - set(left)
    return Way(before, after, yours=left, sets=words_for(sorted(made)))


def inspect_command(model: str, version: str, said: Mapping[str, Any]) -> Way:
    engine = str(said.get("backend") or said.get("engine") or "hf")
    engine = {"transformers": "hf"}.get(engine, engine if is_plain_word(engine) else "hf")
    name = f"{engine}/{model.partition('@')[0].removeprefix(engine + '/')}"
    shots, odd_shots = with_flags(said, {"shots": "fewshot="})
    flags = {key: f"--{key.replace('_', '-')}" for key in INSPECT_OPTIONS} | {"repeats": "--epochs"}
    how, odd = with_flags(said, flags)
    packages = ("--with", pinned("inspect-ai", version), "--with", "inspect-evals")
    before = (*harness_alone(), *packages, "inspect", "eval")
    after = ("--model", name, *(("-T", *shots) if shots else ()), *how, "--log-dir", AGAIN_FOLDER)
    made = {*flags, "few_shot", "backend"} - set(odd)
    return Way(before, after, apart=True, yours=(*odd_shots, *odd), sets=words_for(sorted(made)))


HARNESSES = {"lm_eval": lm_eval_command, "lighteval": lighteval_command, "inspect": inspect_command}


def pinned(package: str, version: str) -> str:
    return f"{package}=={version}" if version else package


def then_convert() -> tuple[str, ...]:
    return (*run_words("convert_results.py"), AGAIN_FOLDER)


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


# --- parts/comparison/corpus.py ---------------------------------------------------------------------------------------

FEW_UNITS = 10  # independent items or clusters: with fewer there is no verdict
FEW_CHANGED = 10  # below, the draws cannot show how large changes are
MOST_OTHER_LENGTHS, SAME_LENGTH = 0.05, 1e-6  # share of items; of a length that was written as a number
SEED = 20_260_101  # the answer to a question does not change when it is asked again
ItemStatistics = dict[ItemId, list[tuple[Any, ...]]]


def formula_of_sides(sides: Sequence[Side]) -> tuple[str, str]:
    """(formula of both sides, "") or ("", why there is none)."""
    runs = [run for side in sides for run in side.runs]
    found = {run.formula for run in runs}
    if len(found) == 1 and "" not in found:
        return runs[0].formula, ""
    aggregation = next(run.aggregation for run in runs if not run.formula or run.aggregation != "mean")
    return "", f"corpus-level score ({aggregation}): no interval without the items' own statistics"


def side_statistics(side: Side, formula: str, lost: bool = False) -> ItemStatistics:
    """The statistics of a side's items, one for each time that they were asked. ScriptError for damaged ones.

    lost: instead those of empty answers to its lost items, where their lines have them.
    """
    found: ItemStatistics = {}
    for run in side.runs:
        answers = [{name: answer.fields for name, answer in repeat.items()} for repeat in run.repeats]
        for repeat in [run.lost_fields] if lost else answers:
            for name, fields in repeat.items():
                try:
                    statistic = statistic_of(fields, formula)
                except ValueError as error:
                    raise ScriptError(f"{run.file}: item {name}: {error}; evaluate again") from error
                if statistic is not None:
                    found.setdefault((run.subtask, name), []).append(statistic)
    return found


def side_rows(found: ItemStatistics, names: Sequence[ItemId], formula: str, classes: Sequence[str]) -> Any:
    """(items, d) statistics of a side, an item's repeats averaged."""
    import numpy as np

    rows = statistics_array([one for name in names for one in found[name]], formula, classes)
    counts = np.array([len(found[name]) for name in names])
    if (counts == 1).all():
        return rows
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    return np.add.reduceat(rows, starts, axis=0) / counts[:, None]


def with_corpus(row: Row, names: Sequence[ItemId], unsaid: str) -> Row:
    """The row with the scores over the items that both sides have, and what their statistics show.

    unsaid: why the items may not be taken as independent, if so.
    """
    recorded = [side.runs[0].score for side in row.sides]
    formula, why = formula_of_sides(row.sides)
    found = [side_statistics(side, formula) for side in row.sides] if formula else []
    names = [name for name in names if all(name in own for own in found)] if formula else []
    if formula and not names:
        why = "corpus-level score: the items have no statistics"
    why = why or other_lengths(found, names, formula)
    if why:
        return replace(row, baseline_score=recorded[0], score=recorded[1], basis=Basis(None, why))
    items = corpus_items(row.sides, found, names, formula)
    scores = [items.scale * FORMULAS[formula].of(own) for own in items.rows]
    if not all(map(math.isfinite, scores)):
        return replace(row, baseline_score=recorded[0], score=recorded[1], basis=Basis(None, "not defined", len(names)))
    basis = corpus_basis(items, row.sign, swing_of(items, scores)) if not unsaid else Basis(None, unsaid, len(names))
    return replace(row, baseline_score=scores[0], score=scores[1], basis=basis, corpus=items)


def other_lengths(found: Sequence[ItemStatistics], names: Sequence[ItemId], formula: str) -> str:
    """Why two perplexities are of unlike units: the same texts are counted as unlike many tokens; "" where they are
    not. A model whose tokenizer makes more tokens of a text has a lower perplexity of each with the same likelihood."""
    if formula not in PER_LENGTH:
        return ""
    lengths = [(found[0][name][0][1], found[1][name][0][1]) for name in names]
    unlike = [pair for pair in lengths if abs(pair[0] - pair[1]) > SAME_LENGTH * max(map(abs, pair))]
    if len(unlike) <= MOST_OTHER_LENGTHS * len(lengths):
        return ""
    first, second = (math.fsum(own) for own in zip(*lengths, strict=True))
    return (
        f"the same texts are {first:,.0f} and {second:,.0f} tokens, words or bytes: scores of unlike units, as of two "
        "tokenizers; word_perplexity or bits_per_byte has the same for both"
    )


def corpus_items(sides: Sequence[Side], found: Sequence[ItemStatistics], names: Sequence[ItemId], formula: str) -> Any:
    """The paired statistics, in an order that they alone decide, and what the items share."""
    import numpy as np

    classes = classes_of([one for own in found for name in names for one in own[name]], formula)
    one, two = (side_rows(own, names, formula, classes) for own in found)
    place = np.argsort(np.argsort([str(name) for name in names]))
    order = np.lexsort((place, *np.abs(one - two).T, *(one + two).T))  # the same whichever side comes first
    groups = [sides[1].answers[name].group or sides[0].answers[name].group for name in names]
    shared = [(names[i][0], groups[i]) if groups[i] is not None else names[i] for i in order]
    numbers: dict[Any, int] = {}
    codes = np.array([numbers.setdefault(name, len(numbers)) for name in shared])
    return CorpusItems(
        formula,
        (one[order], two[order]),
        codes if len(numbers) < len(codes) else None,
        tuple(names[i] for i in order),
        tuple(classes),
        sides[0].runs[0].scale,
    )


def corpus_basis(items: CorpusItems, sign: int, swing: float | None) -> Basis:
    """The evidence in paired statistics; `swing`: how much the score would change if all items did."""
    import numpy as np

    n, groups = len(items.rows[0]), items.groups
    units = n if groups is None else int(groups.max()) + 1
    what = "items" if groups is None else "clusters"
    if units < FEW_UNITS:
        return Basis(None, f"too few {what} ({units}) to show how much they differ", n)
    off, told = fewest_off(items)
    if off < FEW_CHANGED and (swing is None or groups is not None):
        return Basis(None, f"{told}, and nothing bounds how much one may", n)
    draws = draws_for(items.formula, n)
    scores = items.scale * drawn_scores(items.formula, items.rows, groups, draws, [SEED])
    drawn = np.sort(sign * (scores[1] - scores[0]))
    if not np.isfinite(drawn).all():
        drawn = drawn[np.isfinite(drawn)]
        if len(drawn) < 0.975 * draws:
            return Basis(None, "the score is not defined in many draws of the items", n)
    error = float(drawn.std(ddof=1)) * math.sqrt(units / (units - 1))
    few = {"changed": float(off), "swing": swing} if off < FEW_CHANGED else {}
    p = randomization_p(items.formula, *items.rows, groups, draws, [SEED, 1])
    words = f"paired bootstrap over {units:,} {what}, {draws:,} draws (p: approximate randomization)"
    words += f"; {told}: with the exact bound of those that were not met" if few else ""
    found = [
        interval_by_items(items.formula, rows, groups, own / items.scale)
        for rows, own in zip(items.rows, scores, strict=True)
    ]
    ends = tuple(None if one is None else (items.scale * one[0], items.scale * one[1]) for one in found)
    return Basis(
        Resampled(drawn, error, units - 1, **few), words, n, error**2 * n or None, p_difference=p, score_intervals=ends
    )


def fewest_off(items: CorpusItems) -> tuple[int, str]:
    """(how many items differ otherwise than most, that in words): most may be alike, or all differ by the same.

    Draws of items that all differ by the same are all alike and show no spread. Scores by rank are not made of sums: a
    shift of all changes none.
    """
    import numpy as np

    one, two = items.rows
    changed = int((one != two).any(axis=1).sum())
    told = f"only {changed} items differ"
    if FORMULAS[items.formula].by_rows:
        return changed, told
    common = int(np.unique(two - one, axis=0, return_counts=True)[1].max())
    off = len(one) - common
    if off >= changed or 2 * common < len(one):
        return changed, told
    return off, f"only {off} items differ otherwise than the {common} that all differ by the same"


def swing_of(items: CorpusItems, scores: Sequence[float]) -> float | None:
    """How far the candidate's score is from that of wholly wrong answers; None where nothing is the worst."""
    import numpy as np

    worst = [extreme(row, items.formula, best=False) for row in items.rows[0]]
    if any(one is None for one in worst):
        return None

    end = items.scale * FORMULAS[items.formula].of(np.array(worst))
    return max(abs(end - score) for score in scores) if math.isfinite(end) else None


def corpus_ends(row: Row) -> list[tuple[float, float]] | None:
    """(lowest, highest) score of each side over the items that both were asked, whatever its lost attempts had been.

    A lost one is anything from an answer that is empty or wrong to a perfect one, by what its reference adds: as the
    other side's statistics have it, or its own line. None where neither does, or an answer has no best or worst.
    """
    items, sides = row.corpus, row.sides
    formula = items.formula
    found = [side_statistics(side, formula) for side in sides]
    asked = [side.lost.union(own) for own, side in zip(found, sides, strict=True)]
    names = sorted(asked[0] & asked[1] & {*items.names, *sides[0].lost, *sides[1].lost})
    empty = [side_statistics(side, formula, lost=True) for side in sides]
    references = {name: next((own[name][0] for own in (*found, *empty) if name in own), None) for name in names}
    if None in references.values():
        return None
    every = [*references.values(), *(one for own in found for rows in own.values() for one in rows)]
    made = []
    for side, own in zip(sides, found, strict=True):
        times = sum(len(run.repeats) for run in side.runs)
        if FORMULAS[formula].by_rows and times > 1:
            return None
        known = [one for name in names for one in own.get(name, ())]
        lost = {name: times - len(own.get(name, ())) for name in names if len(own.get(name, ())) < times}
        one = possible_scores(known, [references[name] for name in lost], list(lost.values()), times, formula, every)
        if one is None:
            return None
        made.append((items.scale * one[0], items.scale * one[1]))
    return made


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


# --- parts/comparison/losses.py ---------------------------------------------------------------------------------------

SMALL_SHIFT = 0.25  # of a difference: less of it is worth no note
BY_WRITING = "only by how answers are written"


@dataclass(frozen=True, slots=True)
class Reach:
    """How far lost attempts could move the gain (more is better): from `low` to `high`, both relative to the observed.

    share: of the compared items in all items, lost ones included; the observed gain counts for so much of the whole.
    """

    low: float
    high: float
    share: float


def side_attempts(side: Side) -> Attempts:
    """What became of all attempts of a side."""
    return attempts_of_runs(side.runs)


def ends_of(row: Row) -> tuple[float, float] | None:
    """The range of an attempt's score; where the metric has none, that of the scores that are there."""
    runs = [run for side in row.sides for run in side.runs]
    lows, highs = {run.low for run in runs}, {run.high for run in runs}
    seen = [value for side in row.sides for values in side.scores.values() for value in values]
    low = min(lows) if None not in lows else min(seen, default=None)
    high = max(highs) if None not in highs else max(seen, default=None)
    return None if low is None or high is None else (low, high)


def reach_of(row: Row) -> Reach | None:
    """How far lost attempts could move a row's gain; None where nothing bounds it."""
    if row.corpus is not None:
        both = None if any(hidden_share(side.runs) for side in row.sides) else corpus_ends(row)
        return None if both is None else reach_between(row, both)
    ends = ends_of(row)
    if ends is None:
        return None
    if row.pairs is None:
        return reach_of_scores(row)
    baseline, candidate = row.sides
    both = baseline.lost.union(baseline.scores) & candidate.lost.union(candidate.scores)
    factors = part_factors(both, row.parts_once)
    one, two = (possible_mean(side.runs, both, factors, *ends) for side in row.sides)
    observed = compared = 0.0
    for name in both:
        if name in baseline.scores and name in candidate.scores:
            compared += factors[name[0]]
            gain = repeats_mean(candidate.scores[name]) - repeats_mean(baseline.scores[name])
            observed += factors[name[0]] * gain / len(both)
    low, high = two[0] - one[1], two[1] - one[0]
    if row.sign < 0:
        low, high, observed = -high, -low, -observed
    return Reach(low - observed, high - observed, compared / len(both))


def side_ends(row: Row, i: int) -> tuple[float, float] | None:
    """The least and the greatest score of a side, whatever its lost attempts would have got; None without bounds."""
    side, score = row.sides[i], (row.baseline_score, row.score)[i]
    if row.corpus is not None:
        whole = None if any(hidden_share(one.runs) for one in row.sides) else corpus_ends(row)
        return None if whole is None else whole[i]
    ends, names = ends_of(row), side.lost.union(side.scores)
    if ends is None or any(run.corpus_level for run in side.runs):
        return None
    if side.scores:
        return possible_mean(side.runs, names, part_factors(names, row.parts_once), *ends)
    items = [run.n for run in side.runs]
    return score_bounds(score, side_attempts(side), *ends, items=None if None in items else sum(items))


def reach_of_scores(row: Row) -> Reach | None:
    """The reach by the counts of two records without items."""
    bounds = [side_ends(row, i) for i in (0, 1)]
    return None if None in bounds else reach_between(row, bounds)


def reach_between(row: Row, ends: Sequence[tuple[float, float]]) -> Reach:
    """The reach when each side's score may be anything between its ends."""
    (base_low, base_high), (low, high) = ends
    observed, low, high = row.score - row.baseline_score, low - base_high, high - base_low
    if row.sign < 0:
        low, high, observed = -high, -low, -observed
    return Reach(low - observed, high - observed, 1.0)


def within_reach(row: Row, interval: tuple[float, float]) -> tuple[float, float]:
    """An interval of a row's gain (more is better) that holds whatever its lost attempts would have got."""
    if not any(side_attempts(side).lost for side in row.sides or ()):
        return interval
    reach = reach_of(row) or Reach(-math.inf, math.inf, 0.0)
    low, high = interval
    return min(low, reach.share * low + reach.low), max(high, reach.share * high + reach.high)


def repeats_mean(values: tuple[float, ...]) -> float:
    """The mean of an item's repeats."""
    return math.fsum(values) / len(values)


def within_losses(row: Row, policy: Policy) -> Row:
    """The row with what was lost on each side, and without a verdict that the lost attempts could overturn."""
    if not row.sides or row.score is None or row.baseline_score is None:
        return row
    lost = [side_attempts(side) for side in row.sides]
    if not any(one.lost for one in lost):
        return row
    row = replace(row, notes=(*row.notes, *loss_notes(row, lost)))
    if row.verdict not in (GO, BETTER, NO_REGRESSION, NO_GO, REGRESSION):
        return row
    reach = reach_of(row)
    if reach is not None:
        limit = 0.0 if row.verdict == BETTER else row.threshold
        evidence = row.basis.evidence
        if row.verdict in (NO_GO, REGRESSION):
            holds = evidence.p_below((limit - reach.high) / reach.share) <= row.levels[1] if reach.share else False
        else:
            holds = evidence.p_above((limit - reach.low) / reach.share) <= row.levels[0] if reach.share else False
        if holds:
            return row
    shares = [f"{one.lost} of {one.made or '?'}" for one in lost]
    why = (
        f"{row.verdict} only if the lost attempts ({shares[0]} of the baseline, {shares[1]} of the candidate) are like"
    )
    return replace(row, verdict=INCONCLUSIVE, notes=(*row.notes, f"{why} the others: no verdict"))


def score_by_writing(side: Side, score: float) -> tuple[float, str]:
    """A side's score with the other option of scoring that its records name, and how; without one ("") as it is."""
    found = [run.otherwise for run in side.runs]
    if None in found or not found:
        return score, ""
    return score + math.fsum(one[0] - run.score for one, run in zip(found, side.runs, strict=True)) / len(found), (
        found[0][1]
    )


def within_writing(row: Row, policy: Policy) -> Row:
    """The row without a verdict that rests on how answers are written: one that the scores with the other option of
    scoring do not bear, were they all that is to be shown; with a note where the two models differ in it."""
    if not row.sides or row.score is None or row.baseline_score is None:
        return row
    scores = row.baseline_score, row.score
    found = [score_by_writing(side, score) for side, score in zip(row.sides, scores, strict=True)]
    how = next((how for _, how in found if how), "")
    shift = row.sign * (found[1][0] - found[0][0] - (scores[1] - scores[0]))
    if not how or abs(shift) < SMALL_SHIFT * abs(scores[1] - scores[0]):
        return row
    told = f"{how}: {number(found[0][0])} for the baseline, {number(found[1][0])} for the candidate"
    evidence, limit = row.basis and row.basis.evidence, 0.0 if row.verdict == BETTER else row.threshold
    if row.verdict in (NO_GO, REGRESSION):
        holds = evidence.p_below(limit - shift) <= row.levels[1]
    else:
        passed = row.verdict in (GO, BETTER, NO_REGRESSION)
        holds = not passed or evidence.p_above(limit - shift) <= row.levels[0]
    if holds or policy.allow_unlike:
        return replace(row, notes=(*row.notes, told))
    why = f"{row.verdict} {BY_WRITING}; {told}: score both so; or, with the user's yes, --allow-unlike"
    return replace(row, verdict=INCONCLUSIVE, notes=(*row.notes, why))


def loss_notes(row: Row, lost: list[Attempts]) -> list[str]:
    """What is said of each side's lost attempts: how many, why, and the score's bounds."""
    notes = []
    for i, (side, attempts, name) in enumerate(zip(row.sides, lost, ("baseline", "candidate"), strict=True)):
        if not attempts.lost:
            continue
        counts: dict[str, int] = {}
        for run in side.runs:
            for what, count in run.counts.items():
                counts[what] = counts.get(what, 0) + count
        text = f"{name}: {attempts_text(counts, attempts)}"
        found = (side_ends(row, i) or ())[:: row.sign]
        low_high = f"; {number(found[0])} with all of them wrong, {number(found[1])} with all right" if found else ""
        notes.append(text + low_high)
    return notes


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


# --- parts/comparison/report.py ---------------------------------------------------------------------------------------

SMALL_SCALE = 10  # a scale of at most so many points, as of 1 to 5, has three decimals
EXIT_CODES = {GO: 0, NO_GO: 1, INCONCLUSIVE: 3}


def is_share(row: Row) -> bool:
    """Whether a row's differences are shown in points of 100."""
    return row.unit == "proportion"


def score_cell(row: Row, side: int) -> str:
    """A score; for repeats their mean, standard deviation and number."""
    value = (row.baseline_score, row.score)[side]
    digits = 3 if is_share(row) or row.unit == "logits" or (row.span or math.inf) <= SMALL_SCALE else 2
    if row.sides is not None and row.sides[side].repeats > 1:
        mean, deviation, half = mean_of_runs(row.sides[side].run_scores)
        count = row.sides[side].repeats
        interval = (
            f"95 % interval {range_text(mean - half, mean + half, digits)} by t with {count - 1} degrees of freedom"
        )
        return f"{number(mean, digits)} ({count} runs, standard deviation {number(deviation, digits)}, {interval})"
    return number(value, digits)


def change(row: Row, value: float) -> str:
    """A difference with its sign: in points for proportions, in the metric's unit else."""
    return f"{0.0 + round(100 * value, 2):+.2f}" if is_share(row) else f"{0.0 + round(value, 3):+.3f}"


def delta_cell(row: Row) -> str:
    """The difference with the interval that its verdict is read off."""
    if row.delta is None:
        return "–"
    unit = "" if is_share(row) else f" {row.unit}"
    if row.bounds is None:
        return change(row, row.delta) + unit
    low, high = row.as_shown(*row.bounds)
    return f"{change(row, row.delta)} ({change(row, low)} to {change(row, high)}){unit}"


def noise_cell(row: Row) -> str:
    """The A/A noise floor."""
    if row.noise is None:
        return "–"
    width = 100 * row.noise.half_width if is_share(row) else row.noise.half_width
    changed = "" if row.noise.changed is None else f", {100 * row.noise.changed:.0f} % of items change"
    return f"{width:.2f} ({row.noise.repeats} runs{changed})"


def count_cell(row: Row) -> str:
    """How many items are paired, and in how many clusters."""
    if row.basis is None or not row.basis.n:
        return "–"
    shared = {} if row.pairs is None else row.pairs.shared
    words = [f"{int(numbers.max()) + 1} {name}" for name, numbers in shared.items()]
    return f"{row.basis.n} in {', '.join(words)}" if words else str(row.basis.n)


def needed_note(row: Row) -> str:
    """'about 3,092 items would decide, if the model is unchanged', or nothing; where raters are shared, of both."""
    if row.needed_if is None:
        return ""
    if row.items_needed is None:
        return f"no number of items would decide, if {row.needed_if}: the runs differ too much; more runs"
    words = f"about {needed_words(row, row.items_needed)} would decide, if {row.needed_if}"
    if row.needed_unchanged is not None:
        words += f"; {needed_words(row, row.needed_unchanged)}, if {UNCHANGED}"
    if row.size and row.items_needed > row.size:
        words += f"; the benchmark has {row.size:,}{shown_by_all(row)}: repeated runs, or others besides"
        words += " (the limit stays as it was set)" if row.threshold is not None else ""
    return words


def shown_by_all(row: Row) -> str:
    """', which show a difference of 3.80 (two-sided, 95 %, with 80 % power)': of all the items that a benchmark has."""
    if not row.basis.variance:
        return ""
    return f", which show a difference of {change(row, detectable(row.basis.variance, row.size))[1:]} with 80 % power"


def needed_words(row: Row, count: int) -> str:
    """So many items, or votes; of what people rated so many raters and items: more items alone leave their tastes."""
    raters, times = shared_count(row, "raters"), count / row.basis.n
    if not raters:
        return f"{count:,} {'votes' if row.basis.method == SAME_VOTES else 'items'}"
    clusters = shared_count(row, "clusters")
    items = f" and {math.ceil(clusters * times - 1e-9):,} items" if clusters else ""
    return f"{math.ceil(raters * times - 1e-9):,} raters{items} (not more items alone)"


def benchmark_name(row: Row, name: str = "") -> str:
    """A benchmark as tables and sentences call it, with which way of its differences is better where it is down."""
    return f"{name or row.label}{' (less is better)' if row.lower_is_better else ''}"


def row_notes(row: Row) -> str:
    """A row's notes as one cell."""
    target = ("target",) if row.role == "target" else ()
    needed = (needed_note(row),) if row.needed_if else ()
    return "; ".join((*target, *needed, *row.notes))


def summary_table(decision: Decision) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the summary; columns that say the same for all rows are left out."""
    rows = [row for row in decision.rows if decision.chosen in (None, row.candidate)]
    several = len({row.candidate for row in rows}) > 1
    tiers = len({row.tier for row in rows}) > 1
    noise = any(row.noise is not None for row in rows)
    share = any(is_share(row) for row in rows)
    header = ["candidate"] * several + ["benchmark"] + ["tier"] * tiers + ["score", "baseline"]
    header += ["delta, points (interval)" if share else "delta (interval)", "limit"] + ["A/A noise"] * noise
    lines = []
    for row in rows:
        cells = [row.candidate] * several + [benchmark_name(row, row.shown)] + [row.tier] * tiers
        cells += [score_cell(row, 1), score_cell(row, 0), delta_cell(row), limit_cell(row)] + [noise_cell(row)] * noise
        lines.append([*cells, count_cell(row), row.verdict, row_notes(row)])
    return [*header, "n", "verdict", "notes"], lines


def reading_lines(decision: Decision) -> list[str]:
    """How the verdicts were reached: which hypothesis each of them tests, and what the intervals are."""
    policy = decision.policy
    rows = [row for row in decision.rows if decision.chosen in (None, row.candidate)]
    alpha, gate = percent(policy.alpha), len([row for row in rows if row.blocking and row.levels])
    tried = max(policy.tried or 1, len(decision.candidates))
    share = min([policy.alpha, *(row.levels[0] for row in rows if row.blocking and row.levels)])
    if policy.rule == "select":
        lines = [
            "BETTER: “not better than the baseline” is rejected (the interval's lower end is above 0). NO REGRESSION: "
            "“misses the limit” is (above the limit). REGRESSION: “keeps the limit” is (its upper end is below it).",
            f"Lower end: one-sided bound at the level of Holm's procedure over {gate} comparisons, and at most at "
            f"{alpha} divided by the number of candidates. Upper end: at Holm's level.",
        ]
    else:
        lines = [
            "GO: “misses the limit” is rejected (the interval's lower end is above the limit). NO-GO: “keeps the "
            "limit” is rejected (its upper end is below it). Otherwise INCONCLUSIVE.",
            f"Lower end: one-sided {percent(1 - share)} bound. Upper end: one-sided bound at the level at which "
            f"Holm's procedure tests this benchmark among {gate}. So a model that keeps every limit gets a NO-GO in at "
            f"most {alpha} of such comparisons, and one that misses a limit an overall GO in at most {alpha}.",
        ]
    lines = lines if gate else lines[:1]
    for way, words in (
        ("pass", "so one that misses its limit may get a GO"),
        ("fail", "so one that keeps it may fail"),
    ):
        tiers = listing(sorted({r.tier for r in rows if r.blocking and policy.undecided.get(r.tier, "ask") == way}))
        if tiers:
            lines.append(
                f"By the policy an undecided benchmark ({tiers}) counts as {way}, {words} more often than that."
            )
    if tried > 1 and gate and policy.rule != "select":
        how = "divided by their number" if share <= policy.alpha / tried else "shared as their items agree (max-t)"
        lines.append(
            f"The best of {tried} tried: {alpha} for all of them together, {how}: each passes at {percent(share)}."
        )
    if any(row.nights is not None for row in rows):
        lines.append(
            "Nights: half of the error budget is tonight's, half is for the nights together, by e-values that may be "
            "looked at each night (1 divided by their level decides); only where no drift and no change is shown."
        )
    if any(row.verdict == REPORT for row in decision.rows):
        lines.append("report: shown with its 95 % interval, and never gated.")
    if any(row.by for row in decision.rows):
        lines.append(
            "Parts (--by): each is tested among all of them by Holm's procedure, so that all of their verdicts hold "
            f"together with {percent(1 - policy.alpha)}; a part that is shown to miss the limit makes a NO-GO."
        )
    if any(not row.blocking and not row.by and row.levels for row in decision.rows):
        lines.append("Benchmarks that do not block are exploration: Benjamini-Hochberg instead of Holm, at both ends.")
    if any(row.lower_is_better for row in decision.rows):
        lines.append("Where less is better the ends change places.")
    return lines


def limit_cell(row: Row) -> str:
    """The limit that decided a row, and which of the policy's it is: '-1.00 (max_drop)'."""
    if row.threshold is None or row.verdict == REPORT:
        return "–"
    return f"{change(row, row.sign * row.threshold)} ({row.limit_by})"


def limit_text(row: Row) -> str:
    """The limit that a row is held against, as a difference of scores."""
    if row.threshold is None:
        return "–"
    return f"{change(row, row.sign * row.threshold)}{' points' if is_share(row) else ''}"


def headline(decision: Decision) -> str:
    """'NO-GO: step_1000 against step_700 (rule: release)'."""
    models = f"{listing(decision.candidates, 20)} against {decision.baseline}"
    return f"{decision.verdict}: {models} (rule: {decision.policy.rule})"


def answer_lines(decision: Decision) -> list[str]:
    """The answer in words: verdict, reasons, Pareto, warnings."""
    lines = [headline(decision), *(f"- {reason}" for reason in decision.reasons)]
    if decision.chosen is not None:
        others = [f"{name} {verdict}" for name, verdict in decision.candidates.items() if name != decision.chosen]
        lines.append(f"- the others: {listing(others, 20)}")
    if decision.policy.allow_unlike:
        lines.append("- unlike or invalid runs were compared because of --allow-unlike")
    if decision.pareto is not None:
        shown = ", ".join(f"{name} {p:.2f}" for name, p in decision.pareto.probability.items())
        lines.append(f"- P(Pareto-optimal) over {len(decision.pareto.benchmarks)} benchmarks: {shown}")
        lines.append(f"- Pareto front by the items that all have: {listing(decision.pareto.front, 20)}")
    if low := leaning(decision):
        lines.append(
            f"- not shown among all of them, but each below its limit when looked at alone: {listing(low, 20)}"
        )
    lines += [f"- warning: {warning}" for warning in decision.warnings]
    return lines


def leaning(decision: Decision) -> list[str]:
    """'K (-9.00, p = 0.022)' of undecided rows that would fail if each were the only question: where to look first."""
    rows = [row for row in decision.rows if row.verdict == INCONCLUSIVE and decision.chosen in (None, row.candidate)]
    found = [row for row in rows if (row.p_values or {}).get("fail", 1) <= decision.policy.alpha]
    found.sort(key=lambda row: row.p_values["fail"])
    return [f"{row.label} ({change(row, row.delta)}, p = {row.p_values['fail']:.2g})" for row in found]


def evidence_table(decision: Decision) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the report's second table: what each verdict rests on."""
    header = ["benchmark", "method", "gained / lost", "p (pass)", "p (fail), adjusted", "p (no difference)"]
    header += [f"shown with {percent(decision.policy.power)} power", "95 % interval"]
    lines = []
    for row in decision.rows:
        if not row.p_values or row.bounds is None or decision.chosen not in (None, row.candidate):
            continue
        gained = "–" if row.basis.discordant is None else "{} / {}".format(*row.basis.discordant)
        reach = detectable_difference(row, decision.policy)
        low, high = row.as_shown(*row.basis.evidence.interval(0.05))
        p_none = row.basis.p_difference
        name = f"{row.candidate}: {row.label}" if len(decision.candidates) > 1 else row.label
        lines.append([name, row.basis.method, gained, f"{row.p_values['pass']:.3g}"])
        lines[-1] += [f"{row.p_values['fail_adjusted']:.3g}", "–" if p_none is None else f"{p_none:.3g}"]
        lines[-1] += [
            "–" if reach is None else change(row, reach)[1:],
            f"{change(row, low)} to {change(row, high)}",
        ]
    return header, lines


def detectable_difference(row: Row, policy: Policy) -> float | None:
    """The smallest true difference that the row's items show, two-sided, with the policy's power."""
    if row.basis is None or not row.basis.variance or not row.basis.n:
        return None
    return detectable(row.basis.variance, row.basis.n, policy.alpha, policy.power)


def measured_lines(decision: Decision) -> list[str]:
    """Harness and engine, date and hardware of both sides."""
    lines = []
    for side, name in ((1, "candidate"), (0, "baseline")):
        runs = [run for row in decision.rows if row.sides for run in row.sides[side].runs]
        harnesses = sorted({f"{run.harness[0]} {run.harness[1]}" for run in runs})
        engines = sorted({run.settings["engine"] for run in runs if run.settings.get("engine")})
        dates = sorted({run.date for run in runs if run.date})
        hardware = sorted({run.hardware for run in runs if run.hardware})
        period = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}" if dates else "an unknown date"
        machine = decision.policy.hardware or listing(hardware) or "not recorded"
        on = f" with {listing(engines)}" if engines else ""
        lines.append(f"{name}: {listing(harnesses)}{on}; measured {period}; hardware: {machine}")
    return lines


def limitation_lines(decision: Decision) -> list[str]:
    """What the reader must know: the policy's own words, then what holds for these measurements."""
    lines = list(decision.policy.limitations)
    noted = [row for row in decision.rows if "contamin" in " ".join(row.notes).casefold()]
    if not noted:
        lines.append("Contamination of the training data with test items was not examined here.")
    sides = [side for row in decision.rows if row.sides for side in row.sides]
    if any(side.repeats < 2 for side in sides):
        lines.append("A score of one run: its interval covers the choice of items, not that of seeds or prompts.")
    if any(row.verdict in (NOT_COMPARABLE, ABSENT) for row in decision.rows):
        lines.append("Benchmarks that are missing or not comparable were not judged; see the notes.")
    if decision.policy.allow_unlike:
        lines.append("Runs that were not made alike were compared all the same; the notes name the differences.")
    return lines


def render_evaluation(decision: Decision) -> str:
    """The evaluation summary in Markdown, to be pasted into a model card."""
    bullet = "\n".join
    answer = answer_lines(decision)[1:]
    parts = [f"## Evaluation: {plain(headline(decision))}", bullet(f"- {plain(line[2:])}" for line in answer)]
    parts += [pipe_table(*summary_table(decision)), "\n".join(plain(line) for line in reading_lines(decision))]
    header, lines = evidence_table(decision)
    parts += ["### Evidence", pipe_table(header, lines)] if lines else []
    parts += ["### How it was measured", bullet(f"- {plain(line)}" for line in measured_lines(decision))]
    parts += ["### Known limitations", bullet(f"- {plain(line)}" for line in limitation_lines(decision))]
    return "\n\n".join(parts) + "\n"


def decision_json(decision: Decision) -> dict[str, Any]:
    """The document of --json; see references/compare_results.md."""
    policy = decision.policy
    pareto = decision.pareto
    return {
        "schema_version": COMPARISON_SCHEMA,
        "verdict": decision.verdict,
        "exit_code": EXIT_CODES[decision.verdict],
        "reason": decision.why_open,
        "answer": answer_lines(decision),
        "items_needed": {row.label: row.items_needed for row in decision.rows if row.needed_if},
        "rule": policy.rule,
        "baseline": decision.baseline,
        "candidates": [{"name": name, "verdict": verdict} for name, verdict in decision.candidates.items()],
        "reasons": list(decision.reasons),
        "warnings": list(decision.warnings),
        "allow_unlike": policy.allow_unlike,
        "chosen": decision.chosen,
        "tried": policy.tried,
        "alpha": policy.alpha,
        "power": policy.power,
        "targets": list(policy.targets),
        "how_to_read": reading_lines(decision),
        "benchmarks": [row_json(row, policy) for row in decision.rows],
        "pareto": None
        if pareto is None
        else {
            "benchmarks": list(pareto.benchmarks),
            "items": pareto.items,
            "probability": dict(pareto.probability),
            "front": list(pareto.front),
        },
        "measured": measured_lines(decision),
        "limitations": limitation_lines(decision),
    }


def row_json(row: Row, policy: Policy) -> dict[str, Any]:
    """One comparison as JSON; scores and differences in the metric's unit, nothing rounded."""
    basis, value = row.basis, None
    if row.bounds is not None:
        value = list(row.as_shown(*row.bounds))
    return {
        "candidate": row.candidate,
        "benchmark": row.key,
        "name": row.label,
        "tier": row.tier,
        "role": row.role,
        "blocking": row.blocking,
        "by": row.by or None,
        "verdict": row.verdict,
        "metric": row.metric or None,
        "spelled_metric": row.spelled_metric or None,
        "unit": row.unit,
        "lower_is_better": row.lower_is_better,
        "score": side_json(row, 1),
        "baseline": side_json(row, 0),
        "delta": row.delta,
        "limit": None if row.threshold is None else row.sign * row.threshold,
        "limit_by": row.limit_by or None,
        "interval": value,
        "interval_95": None if value is None else list(row.as_shown(*basis.evidence.interval(0.05))),
        "levels": None if row.levels is None else {"pass": row.levels[0], "fail": row.levels[1]},
        "p_values": {**row.p_values, "no_difference": basis.p_difference if basis else None},
        "method": basis.method if basis else None,
        "paired": row.pairs is not None or row.corpus is not None,
        "n": basis.n or None if basis else None,
        **{name: shared_count(row, name) for name in ("clusters", "raters")},
        "design_effect": basis.design_effect if basis else None,
        "gained": basis.discordant[0] if basis and basis.discordant else None,
        "lost": basis.discordant[1] if basis and basis.discordant else None,
        "detectable": detectable_difference(row, policy),
        "with_another_run": another_run(row, policy),
        "items_needed": row.items_needed,
        "items_needed_if": row.needed_if,
        "items_needed_if_unchanged": row.needed_unchanged,
        "benchmark_items": row.size,
        "history": None if row.nights is None else history_json(row),
        "noise": None
        if row.noise is None
        else {"half_width": row.noise.half_width, "runs": row.noise.repeats, "items_changed": row.noise.changed},
        "notes": list(row.notes),
    }


def history_json(row: Row) -> dict[str, Any]:
    """What the nights say as JSON; differences as the row's `delta`, in the metric's unit."""
    found, sequence = row.nights, row.nights.sequence
    together = None
    if sequence is not None:
        ends = row.as_shown(*map(float, sequence.evidence.interval(0.05)))
        together = {"delta": row.sign * sequence.mean, "interval_95": list(ends), "items": sequence.items}
        together |= {"e_kept": sequence.e_pass, "e_missed": sequence.e_fail, "decides": found.decided}
    drift = found.drift
    return {
        "nights": [
            {"date": date, "delta": row.sign * gain} for date, gain in zip(found.dates, found.gains, strict=True)
        ],
        "together": together,
        "change_tonight": None
        if found.change is None
        else {"delta": row.sign * found.change[0], "p_value": found.change[1]},
        "drift": None
        if drift is None
        else {"per_night": row.sign * drift.slope, "since": found.since, "p_value": drift.p_value},
    }


def shared_count(row: Row, what: str) -> int | None:
    """How many clusters or raters the paired items share, or None."""
    numbers = None if row.pairs is None else row.pairs.shared.get(what)
    return None if numbers is None else int(numbers.max()) + 1


def another_run(row: Row, policy: Policy) -> float | None:
    """The difference that can be shown when each side is run once more, where repeats tell how much that helps."""
    pairs = row.pairs
    if pairs is None or min(pairs.repeats) < 2 or pairs.repeats[0] != pairs.repeats[1] or not row.basis.variance:
        return None
    repeats = pairs.repeats[0]
    between = max(0.0, float((pairs.candidate - pairs.baseline).var(ddof=1)) - sum(pairs.within) / repeats)
    variance = paired_variance(between, pairs.within, repeats + 1) * row.basis.design_effect
    return detectable(variance, pairs.n, policy.alpha, policy.power) if variance else None


def side_json(row: Row, side: int) -> dict[str, Any] | None:
    """One side's score with its interval, its repeats, and the files it comes from."""
    value = (row.baseline_score, row.score)[side]
    if value is None or row.sides is None:
        return None
    own = row.sides[side]
    found: dict[str, Any] = {"score": value, "interval_95": None, "recorded": [run.score for run in own.runs]}
    if row.pairs is not None:
        values = (row.pairs.baseline, row.pairs.candidate)[side]
        top = row.pairs.stretch
        ends = (0.0, top) if is_share(row) and values.min() >= 0 and values.max() <= top else (None, None)
        interval = score_interval(values, list(row.pairs.shared.values()), *ends)
        found["interval_95"] = None if interval is None else list(interval[:2])
    if row.basis is not None and row.basis.score_intervals:
        ends = row.basis.score_intervals[side]
        found["interval_95"] = None if ends is None else list(ends)
    if own.repeats > 1:
        mean, deviation, half = mean_of_runs(own.run_scores)
        found["runs"] = {"n": own.repeats, "mean": mean, "standard_deviation": deviation, "half_width_95": half}
    counts = {what: own.counted(what) for what in COUNT_WORDS if own.counted(what)}
    return found | {"errors": len(own.errors), **counts, "records": sorted({run.file for run in own.runs})}


def terminal_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The summary for a terminal, with its colors."""
    from rich.table import Table
    from rich.text import Text

    table = Table(*header, show_lines=True)
    verdict = header.index("verdict")
    for row in rows:
        table.add_row(*(Text(c, style=STYLES[c] if i == verdict else "") for i, c in enumerate(map(single_line, row))))
    return rendered(table)


def decision_text(decision: Decision) -> str:
    """The answer for stdout: a rich table on a terminal, a Markdown one in a pipe."""
    header, rows = summary_table(decision)
    table = terminal_table(header, rows) if sys.stdout.isatty() else pipe_table(header, rows)
    return "\n".join([table, "", *map(single_line, answer_lines(decision)), "", *reading_lines(decision)])


# --- parts/comparison/amounts.py --------------------------------------------------------------------------------------

AMOUNT = re.compile(r"\s*(\d+(?:\.\d+)?|\.\d+)\s+([A-Za-z][\w +@.\-/]{0,40}?)(\s+points?)?\s*", re.ASCII)
SHARE_TEXT = re.compile(r"\s*(\d+(?:\.\d+)?|\.\d+)\s*%\s*", re.ASCII)
UNCLEAR = 0.2  # from here a bare number may be points or percent: 0.5 is half a point, or half of the range
POINT_WORDS = ("point", "points", "percentage point", "percentage points", "pp")
AMOUNT_WORDS = 'an amount with its unit, such as "0.2 WER points", "1 BLEU" or "1 %"'


def is_amount(value: object) -> bool:
    """Whether a policy's value is a number with a unit behind it."""
    return isinstance(value, str) and AMOUNT.fullmatch(value) is not None


def share_in(value: object) -> float | None:
    """The share that "1 %" is; None for another value."""
    found = SHARE_TEXT.fullmatch(value) if isinstance(value, str) else None
    return float(found[1]) / 100 if found else None


def bare_limit(name: str, given: float, row: Row) -> ScriptError:
    """What is asked of a number without a unit where the metric is no share of all answers: 0.5 BLEU, or half?"""
    share = row.unit == "proportion"  # as of shares of answers, of which one point is 0.01
    amount = f"{100 * given if share else given:g} {row.metric}"
    amount = amount + " points" * share if is_amount(amount) else f"{amount.split()[0]} points"
    whole = "the baseline's score" if counts_from_zero(row) else "its range"
    return ScriptError(
        f"the limit {name}: {given:g} for {row.label} has no unit, {row.metric} ({row.unit}) is no share of answers; "
        f'say in the policy, benchmarks: {{{row.key}: {{{name}: "{amount}"}}}}'
        + (f', or "{100 * given:g} %" (of {whole})' if row.span is not None or counts_from_zero(row) else ""),
        code=3,
    )


def amount_in_unit(text: str, row: Row) -> float:
    """An amount in a row's unit. ScriptError when it is about another metric or unit.

    A point is a hundredth of a proportion, and one of a metric that counts in points.
    """
    number, words, points = AMOUNT.fullmatch(text).groups()
    if words.strip().lower() in POINT_WORDS:
        words, points = "", " points"
    names = {normalize_name(name) for name in (row.metric, row.metric.split("_at_")[0], row.unit, row.key, row.label)}
    names |= {name.removeprefix("word").removeprefix("byte") for name in names}
    if words and normalize_name(words) not in names:
        raise ScriptError(f"the limit {text!r} is one of {words}, but {row.label} has {row.metric} ({row.unit})")
    if row.unit == "proportion":
        if not points:
            raise ScriptError(
                f"the limit {text!r} for {row.label}: {row.metric} is a proportion; say it in points of 100, such as "
                f'"{number} {words or row.metric} points", or as a share of the baseline (max_relative_drop)'
            )
        return float(number) / 100
    return float(number)


def refuse_unclear(limits: Limits, row: Row, target: bool, amount: float) -> None:
    """ScriptError (3) where the limit that decides a row is a bare number that may be points, or percent."""
    name = limit_name(limits, row, target, amount)
    given, relative = getattr(limits, name), "relative" in name
    if isinstance(given, str) or name in limits.in_percent or (given or 0.0) < UNCLEAR:
        return
    unit, whole = ("%", f"{100 * given:g} % of the baseline's score") if relative else ("points", "")
    does = "demand" if target else "allow"
    raise ScriptError(
        f"the limit {name}: {given:g} for {row.label} would {does} {whole or f'{100 * given:g} points of 100'}; say "
        f'which is meant: "{100 * given:g} {unit}" or "{given:g} {unit}"',
        code=3,
    )


def limit_of_row(limits: Limits, row: Row, target: bool) -> tuple[float | None, str]:
    """The limit of a row as `amount_of_limit` has it; ScriptError (3) where nothing says in what it is."""
    amount, words = amount_of_limit(limits, row, target)
    if amount is not None:
        refuse_unclear(limits, row, target, amount)
    return amount, words


def amount_of_limit(limits: Limits, row: Row, target: bool) -> tuple[float | None, str]:
    """(the drop that passes, or the gain that a target must exceed; what is said of it). None: nothing bounds it.

    A share is one of the metric's range; where it has none but begins at 0 (error rates, perplexities, losses), one of
    the baseline's score. ScriptError with code 3 for a bare number where the metric is no share of answers.
    """
    name = "min_gain" if target else "max_drop"
    given = getattr(limits, name)
    if (share := share_in(given)) is not None:
        given, limits = share, replace(limits, **{name: share})
    elif given and not isinstance(given, str) and (row.unit != "proportion" or row.span is None):
        raise bare_limit(name, given, row)
    if isinstance(given, str):
        own = amount_in_unit(given, row)
        relative = limits.min_relative_gain if target else limits.max_relative_drop
        other = None if relative is None else relative * abs(row.baseline_score)
        found = [amount for amount in (own, other) if amount is not None]
        return (max(found) if target else min(found)), ""
    found = (limits.wanted_gain if target else limits.allowed_drop)(row.baseline_score, row.span)
    relative = limits.min_relative_gain if target else limits.max_relative_drop
    if row.span is not None or not counts_from_zero(row) or (found is not None and given is None):
        return found, ""
    if given is None and relative is not None:  # guarded by relative_guard_below, which no such score is below
        return found, ""
    share = given if given is not None else DEFAULT_GAIN if target else DEFAULT_DROP
    own = share * abs(row.baseline_score)
    words = f"{row.metric} has no upper end: the limit is {100 * share:g} % of the baseline's {row.metric}"
    return (max(own, found or 0.0) if target else smallest(own, found)), words


def limit_name(limits: Limits, row: Row, target: bool, amount: float) -> str:
    """Which limit decides a row: "max_drop", "max_relative_drop", "min_gain", "min_relative_gain"."""
    relative = limits.min_relative_gain if target else limits.max_relative_drop
    shared = relative is not None and amount == relative * abs(row.baseline_score)
    return f"{'min' if target else 'max'}{'_relative' if shared else ''}_{'gain' if target else 'drop'}"


def counts_from_zero(row: Row) -> bool:
    """Whether a score's ratio means something: it has a lower end of 0 (perplexities: 1) and no upper one."""
    lows = {run.low for side in row.sides or () for run in side.runs}
    return row.span is None and lows <= {0.0, 1.0} and bool(lows)


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


# --- parts/comparison/clusters.py -------------------------------------------------------------------------------------


def grouping_field(baseline: Side, candidate: Side, names: Sequence[ItemId]) -> tuple[str, float] | None:
    """(field, design effect) of the metadata that explains most how the items' differences agree, beyond what is known
    that they share; None without one."""
    import numpy as np

    columns, asked = {}, candidate.answers[names[0]].fields if names else ()
    answers = [(baseline.answers[name], candidate.answers[name]) for name in names] if asked else []
    for field in asked:
        values = [two.fields.get(field) for _, two in answers]
        alike = all(one.fields.get(field, value) == value for (one, _), value in zip(answers, values, strict=True))
        if alike and may_group(field, values):
            columns[field] = values
    if not columns:
        return None
    differences = [repeats_mean(candidate.scores[name]) - repeats_mean(baseline.scores[name]) for name in names]
    known = numbered_sharing([sharing_of(baseline, candidate, name) for name in names])
    return explaining_field(np.array(differences), columns, list(known.values()))


def unsaid_cluster(baseline: Side, candidate: Side, names: Sequence[ItemId]) -> str:
    """Why the items may not be compared one by one; nothing where they may."""
    clustered = [run for side in (baseline, candidate) for run in side.runs if "cluster" in run.error_method.lower()]
    if clustered and not numbered_sharing([sharing_of(baseline, candidate, name) for name in names]):
        return (
            "the record's own standard error is clustered, by a field that it does not name: say it with --cluster-by "
            "FIELD (or --cluster-by none)"
        )
    found = grouping_field(baseline, candidate, names)
    if found:
        field, effect = found
        return (
            f"items of one {field} agree with one another (design effect {effect:.1f}): compare them with "
            f"{option_words('--cluster-by', field)}, or say that they are independent with --cluster-by none"
        )
    return ""


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


# --- parts/comparison/policy.py ---------------------------------------------------------------------------------------

RULES = ("release", "finetune", "select")
CHOOSE = "choose"  # which of several: no policy has it, for it gates nothing
TIERS = ("critical", "supporting", "advisory", REPORT)


VERSIONS = Shape(
    'a mapping of harness to version in quotes, such as {lighteval: "0.13.*"}',
    lambda value: isinstance(value, dict) and all(isinstance(v, str) for kv in value.items() for v in kv),
)


def or_percent(shape: Shape) -> Shape:
    """A shape that a share may have as "5 %" as well."""
    return Shape(f'{shape.words}, or "5 %"', lambda v: shape.fits(v if share_in(v) is None else share_in(v)))


DROP = Shape(
    "a share of at least 0 and below 1 (one point, or one percent, is 0.01)",
    lambda v: isinstance(v, int | float) and not isinstance(v, bool) and 0 <= v < 1,
)
GAIN = number_shape(0, 1)
RELATIVE = {"max_relative_drop": DROP, "min_relative_gain": number_shape(0, math.inf)}
DROP_OR_AMOUNT, GAIN_OR_AMOUNT = (
    Shape(
        f"{shape.words}, or {AMOUNT_WORDS}",
        lambda v, s=shape: is_amount(v) or s.fits(v if share_in(v) is None else share_in(v)),
    )
    for shape in (DROP, GAIN)
)
REQUIRED = ("hash", "samples")
UNDECIDED_SHAPE = Shape(
    f"{', '.join(UNDECIDED_WAYS)}, or one of these for each tier: {{critical: ask, supporting: pass}}",
    lambda value: (
        value in UNDECIDED_WAYS
        if isinstance(value, str)
        else isinstance(value, dict) and all(tier in TIERS and way in UNDECIDED_WAYS for tier, way in value.items())
    ),
)
LIMIT_FIELDS: dict[str, Shape] = {
    "tier": choice_shape(*TIERS),
    "max_drop": DROP_OR_AMOUNT,
    **{name: or_percent(shape) for name, shape in RELATIVE.items()},
    "relative_guard_below": number_shape(0, 1),
    "min_gain": GAIN_OR_AMOUNT,
    "min_items": COUNT,
    "metric": TEXT,
    "direction": choice_shape("higher_is_better", "lower_is_better"),
    "note": TEXT,
}
POLICY_FIELDS: dict[str, Shape] = {
    "version": Shape("1", lambda value: value == 1 and not isinstance(value, bool)),
    "rule": choice_shape(*RULES),
    "alpha": number_shape(0.0001, 0.5),
    "power": number_shape(0.5, 0.9999),
    "supporting": choice_shape("block", "warn"),
    "targets": TEXTS,
    "min_better": COUNT,
    "max_invalid": number_shape(0, 1),
    "harness": VERSIONS,
    "cluster_by": TEXT,
    "hardware": TEXT,
    "limitations": TEXTS,
    "defaults": MAPPING,
    "benchmarks": MAPPING,
    "exclude_items": MAPPING,
    "undecided": UNDECIDED_SHAPE,
    "require": Shape(
        f"a list of {' and '.join(REQUIRED)}",
        lambda value: isinstance(value, list) and all(one in REQUIRED for one in value),
    ),
    "require_paired": YES_OR_NO,
    "latest": YES_OR_NO,
}


def parse_policy(content: Any, where: str, benchmark_key: Callable[[str], str]) -> Policy:
    """The policy in a YAML value; ScriptError naming the field that is wrong.

    NeMo Evaluator's gate policies (version, defaults, benchmarks) are a subset. benchmark_key turns a benchmark's name
    into its canonical key.
    """
    if not isinstance(content, dict):
        raise ScriptError(f"{where}: a mapping is expected; references/gates.md has an example")
    check_fields(content, POLICY_FIELDS, where)
    content = without_nulls(content)
    defaults = content.get("defaults", {})
    check_fields(defaults, LIMIT_FIELDS, f"{where}: defaults")
    defaults = without_nulls(defaults)
    benchmarks: dict[str, Limits] = {}
    further: dict[str, tuple[Limits, ...]] = {}
    for name, values in content.get("benchmarks", {}).items():
        own = metrics_of_benchmark(name, values, defaults, where)
        key = benchmark_key(name)
        if key in benchmarks:
            raise ScriptError(f"{where}: benchmarks: {name} and another entry are both {key}")
        benchmarks[key] = own[0]
        further |= {key: tuple(own[1:])} if len(own) > 1 else {}
    own = {
        name: content[name]
        for name in POLICY_FIELDS
        if name in content and name not in ("version", "defaults", "exclude_items")
    }
    own["items"] = ChosenItems(without=read_excluded(content.get("exclude_items", {}), where))
    own |= {name: tuple(own[name]) for name in ("limitations", "require") if name in own}
    if isinstance(own.get("undecided"), str):  # one word for all tiers
        own["undecided"] = dict.fromkeys(TIERS, own["undecided"])
    own |= {"targets": tuple(map(benchmark_key, own["targets"]))} if "targets" in own else {}
    return Policy(**{**own, "defaults": limits_of(defaults), "benchmarks": benchmarks, "further": further})


def metrics_of_benchmark(name: Any, values: Any, defaults: dict[str, Any], where: str) -> list[Limits]:
    """The limits of one benchmark of a policy, one for each metric; ScriptError naming what is wrong."""
    place = f"{where}: benchmarks: {name}"
    own = values if isinstance(values, list) and values else [{} if values is None else values]
    if not isinstance(name, str) or not all(isinstance(one, dict) for one in own):
        raise ScriptError(
            f"{where}: benchmarks: {name!r}: a benchmark's name and a mapping are expected, or a list of one for each "
            "metric: [{metric: bleu}, {metric: chrf}]"
        )
    for one in own:
        if isinstance(one.get("metric"), list):
            each = ", ".join(f"{{metric: {json.dumps(metric)}}}" for metric in one["metric"])
            raise ScriptError(f"{place}: several metrics are a list of mappings: [{each}]")
        check_fields(one, LIMIT_FIELDS, place)
    metrics = [one.get("metric") for one in own]
    if len(own) > 1 and (None in metrics or len(set(metrics)) < len(metrics)):
        raise ScriptError(
            f"{place}: each of several mappings names another metric: [{{metric: bleu}}, {{metric: chrf}}]"
        )
    return [limits_of({**defaults, **without_nulls(one)}) for one in own]


def limits_of(values: Mapping[str, Any]) -> Limits:
    """The limits in a mapping of a policy, relative ones as shares."""
    shares = {name: share for name in RELATIVE if (share := share_in(values.get(name))) is not None}
    return Limits(**{**values, **shares, "in_percent": tuple(shares)})


# --- parts/comparison/strata.py ---------------------------------------------------------------------------------------

MOST_PARTS = 200
NO_VALUE = "(none)"
COUNTED = re.compile(r"(\d+) of \d+ ((?:answers|attempts) .+)")  # of a whole record
RATER_FIELDS = ("rater", "judge")  # parts by one of these are of one rater each: what they show is of this one alone


def field_values(runs: Sequence[Run], field: str) -> dict[tuple[str, str], str]:
    """The value of the field of each item that somebody has an answer to, or that a lost one says itself."""
    lost = {(run.subtask, name): told[field] for run in runs for name, told in run.lost_fields.items() if field in told}
    return lost | {
        (run.subtask, name): answer.fields.get(field, NO_VALUE)
        for run in runs
        for repeat in run.repeats
        for name, answer in repeat.items()
    }


def of_one_rater(answer: Answer) -> Answer:
    """The answer as one of a part whose ratings are all of one rater, who is no sample of raters."""
    return answer._replace(fields={name: text for name, text in answer.fields.items() if name != "rater"})


def with_value(run: Run, values: dict[tuple[str, str], str], value: str, alone: bool = False) -> Run:
    """The run with the items of one value alone. alone: the value is the name of their rater."""
    own = {name for (subtask, name), found in values.items() if subtask == run.subtask and found == value}
    repeats = tuple(
        {name: of_one_rater(answer) if alone else answer for name, answer in repeat.items() if name in own}
        for repeat in run.repeats
    )
    scored = set().union(*repeats) if repeats else set()
    method = "" if alone else run.error_method  # clustered by raters
    validity = part_validity(run, len(run.errors & own), len(scored))
    own_facts = {"n": len(scored), "counts": {}, "size": None, "error_method": method, "validity": validity}
    return replace(run, repeats=repeats, errors=run.errors & own, **own_facts)


def part_validity(run: Run, lost: int, scored: int) -> Validity:
    """The gate's answer about a part: lost answers are those of the part, whatever they are called (unparsed); what
    else is counted is known of all parts together alone."""
    found: dict[bool, list[str]] = {True: [], False: []}
    told = [*((True, text) for text in run.validity.reasons), *((False, text) for text in run.validity.remarks)]
    for refused, text in told:
        counted = COUNTED.fullmatch(text)
        if counted is None:
            found[refused].append(text)
        elif int(counted[1]) not in (run.attempts.lost, len(run.errors)):
            found[refused].append(f"{text}, in all parts together")
        elif lost:
            found[lost > MANY * (lost + scored)].append(f"{lost} of {lost + scored} {counted[2]}")
    return Validity(tuple(found[True]), tuple(found[False]))


def parts_by_field(
    baseline: Sequence[Run], candidate: Sequence[Run], field: str
) -> Iterator[tuple[str, list[Run], list[Run]]]:
    """(value, runs of both sides) for each value of a field; nothing where the items have one value, or it is unknown.

    ScriptError where there are too many values to be parts.
    """
    values = field_values([*baseline, *candidate], field)
    found = sorted(set(values.values()), key=natural_key)
    if len(found) < 2:
        return
    if len(found) > MOST_PARTS:
        raise ScriptError(f"--by {field}: {len(found)} values ({listing(found, 3)}, ...): no parts of a benchmark")
    alone = field in RATER_FIELDS
    for value in found:
        yield value, *([with_value(run, values, value, alone) for run in runs] for runs in (baseline, candidate))


def check_part_field(runs: Sequence[Run], field: str) -> None:
    """ScriptError when no item has the field, with those that they have."""
    fields = {name for run in runs for repeat in run.repeats for answer in repeat.values() for name in answer.fields}
    if field not in fields:
        hint = nearest(field, fields) or f"; they have: {listing(sorted(fields), 20) or 'no metadata'}"
        raise ScriptError(f"--by: no item has {field!r} in its metadata{hint}")


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


# --- parts/comparison/rows.py -----------------------------------------------------------------------------------------

NO_VERDICT = "no verdict: "
NO_LIMIT = 'a relative limit, or an amount such as max_drop: "20 Elo"'


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: the models, the policy, and how benchmarks are told apart."""

    baseline: ModelRuns
    candidates: tuple[ModelRuns, ...]
    policy: Policy
    vocabulary: MetricMapping
    only: frozenset[str] = frozenset()  # the benchmarks of --benchmarks; empty: all
    result_ids: frozenset[str] = frozenset()
    repeated: tuple[Run, ...] = ()  # the runs of --aa
    nights: tuple[tuple[ModelRuns, ModelRuns], ...] = ()  # of --history: (baseline, candidate), the oldest first
    by: str = ""  # the field of the items' metadata by which each benchmark is broken down
    luck: str = ""  # what is said of how many the candidate was picked from

    def entry(self, key: str, sides: Sequence[ModelRuns]) -> Mapping[str, Any]:
        """What is known of a benchmark; where a side lacks its usual metric and both have another, with that one."""
        entry, having = self.vocabulary.entries.get(key, {}), defaultdict(set)
        for number, side in enumerate(sides):
            for run in side.runs:
                if run.key == key:
                    having[metric_key(run.metric)].add(number)
        shared = [metric for metric, found in having.items() if len(found) == len(sides)]
        usual = metric_key(entry.get("metric") or "")
        told = len(shared) == 1 and usual in having
        return {**entry, "metric": one_metric(having, usual)} if told else entry

    def runs(self, model: ModelRuns, sides: Sequence[ModelRuns]) -> dict[str, list[Run]]:
        """A model's runs by benchmark, each with the metric that counts for both sides."""
        by_key: dict[str, list[Run]] = defaultdict(list)
        for run in model.runs:
            if not self.only or run.key in self.only:
                by_key[run.key].append(run)
        chosen, several = {}, {}
        for key, rows in by_key.items():
            entry, metric = self.entry(key, sides), self.policy.limits(key).metric
            try:
                chosen[key] = choose_metric(rows, f"{model.name}, {key}", metric, entry, self.result_ids)
            except SeveralMetrics as error:
                several[model.name, key] = error
        if several:
            named = [key for key in chosen if self.policy.limits(key).metric is not None]
            raise MetricsToChoose(several, named)
        return chosen

    def runs_of(self, sides: Sequence[ModelRuns]) -> list[dict[str, list[Run]]]:
        """The runs of each side by benchmark; one MetricsToChoose for all of them."""
        found, open_ones = [], []
        for side in sides:
            try:
                found.append(self.runs(side, sides))
            except MetricsToChoose as error:
                open_ones.append(error)
        raise_together(open_ones)
        return found


def raise_together(errors: Sequence[MetricsToChoose]) -> None:
    """One error for several, where there are any."""
    if errors:
        found = {place: one for error in errors for place, one in error.found.items()}
        open_keys = {key for _, key in found}
        settled = dict.fromkeys(key for error in errors for key in error.settled if key not in open_keys)
        raise MetricsToChoose(found, list(settled))


def variants(baseline: Sequence[Run], candidate: Sequence[Run]) -> list[tuple[str, list[Run], list[Run]]]:
    """A benchmark's comparisons: one for each few-shot count that both sides have, else all runs as one."""
    shared = {run.shots for run in baseline} & {run.shots for run in candidate}
    if not shared:
        return [("", list(baseline), list(candidate))]
    several = len(shared) > 1
    return [
        (
            f" ({shots}-shot)" if several else "",
            [run for run in baseline if run.shots == shots],
            [run for run in candidate if run.shots == shots],
        )
        for shots in sorted(shared, key=natural_key)
    ]


def make_rows(question: Question) -> list[Row]:
    """All comparisons, also by the further metrics of a benchmark, without verdicts that depend on the other rows."""
    rows, policy = rows_of_metrics(question), question.policy
    for key, further in policy.further.items():
        if not question.only or key in question.only:
            for place in range(1, len(further) + 1):
                alone = replace(question, policy=policy.of_metric(key, place), only=frozenset({key}))
                rows += rows_of_metrics(alone)
    if not any(row.verdict != ABSENT for row in rows):
        found = listing(sorted({run.key for run in question.baseline.runs}), 20)
        theirs = listing(sorted({run.key for model in question.candidates for run in model.runs}), 20)
        raise ScriptError(
            f"no benchmark in common: the baseline {question.baseline.name}: {found}; the candidate: {theirs}"
        )
    names = [model.name for model in question.candidates]
    return sorted(rows, key=lambda row: (names.index(row.candidate), question.vocabulary.place(row.key)))


def rows_of_metrics(question: Question) -> list[Row]:
    """The comparisons of all benchmarks by one metric each, of each of their tasks that both models did."""
    rows: list[Row] = []
    asked: list[MetricsToChoose] = []
    for model in question.candidates:
        try:
            rows += rows_of_candidate(question, model)
        except MetricsToChoose as error:
            asked.append(error)
    raise_together(asked)
    return rows


def rows_of_candidate(question: Question, model: ModelRuns) -> list[Row]:
    """The comparisons of one candidate by one metric each."""
    rows: list[Row] = []
    named = {key for key in (*question.policy.benchmarks, *question.policy.targets) if question.policy.blocks(key)}
    named |= set(question.baseline.failures) | set(model.failures)
    wanted = {run.key for one in (question.baseline, model) for run in one.runs} | named
    wanted = {key for key in wanted if not question.only or key in question.only}
    apart = {key: found for key in wanted if len((found := tasks_done(question, model, key))[0] | found[1]) > 1}
    apart = {key: found for key, found in apart.items() if found[0] & found[1]}
    both = [without_task(side, apart) for side in (question.baseline, model)]
    one, two = question.runs_of(both)
    for key in sorted(wanted, key=question.vocabulary.place):
        if key not in apart:
            rows += rows_of_task(question, model, key, "", one.get(key, []), two.get(key, []))
            continue
        ours, theirs = apart[key]
        for task in sorted(ours & theirs):
            sides = [without_task(side, {key: task}) for side in (question.baseline, model)]
            alone = replace(question, only=frozenset({key}))
            found = rows_of_task(question, model, key, task, *(side.get(key, []) for side in alone.runs_of(sides)))
            left = [f"{name}: {listing(sorted(own))} is not compared" for name, own in
                    (("baseline", ours - theirs), ("candidate", theirs - ours)) if own]  # fmt: skip
            rows += [replace(row, notes=(*row.notes, *left)) for row in found]

    return rows


def task_done(run: Run) -> str:
    """A run's task as its harness names it; of a part of a benchmark nothing, for these have names of their own."""
    return "" if run.subtask else bare_task(run.name)


def tasks_done(question: Question, model: ModelRuns, key: str) -> tuple[set[str], set[str]]:
    """The tasks by which the two models did one benchmark: by log-likelihood and by generated answers, say.

    Of the metric that a policy names, or of the results that are named, where either is.
    """
    metric = question.policy.limits(key).metric
    sides = [[run for run in one.runs if run.key == key and not run.subtask] for one in (question.baseline, model)]
    chosen = [[run for run in runs if run.result_id in question.result_ids] or runs for runs in sides]
    chosen = [(of_metric(metric, runs) if metric else runs) or runs for runs in chosen]
    return tuple({task_done(run) for run in runs} for runs in chosen)


def without_task(model: ModelRuns, tasks: Mapping[str, Any]) -> ModelRuns:
    """A model's runs, of some benchmarks those of one task alone: its parts are not of it. None where none is named."""
    return replace(model, runs=tuple(run for run in model.runs if tasks.get(run.key, task_done(run)) == task_done(run)))


def rows_of_task(
    question: Question, model: ModelRuns, key: str, task: str, baseline: Sequence[Run], candidate: Sequence[Run]
) -> list[Row]:
    """A benchmark's comparisons, or those of one task of it."""
    rows = []
    for suffix, one, two in variants(baseline, candidate):
        name = f" ({task}){suffix}" if task else suffix
        rows += [make_row(question, model, key, name, one, two), *part_rows(question, model, key, name, one, two)]
    return rows


def part_rows(
    question: Question, model: ModelRuns, key: str, suffix: str, baseline: Sequence[Run], candidate: Sequence[Run]
) -> Iterator[Row]:
    """A benchmark's comparisons for each value of the field that --by names."""
    if not question.by:
        return
    for value, one, two in parts_by_field(baseline, candidate, question.by):
        by = f"{question.by}={value}"
        row = make_row(question, model, key, f"{suffix}, {by}", one, two)
        yield replace(row, blocking=False, by=by, size=None)


def make_row(
    question: Question, model: ModelRuns, key: str, suffix: str, baseline: Sequence[Run], candidate: Sequence[Run]
) -> Row:
    """One comparison as far as it can be made without the others."""
    policy, limits = question.policy, question.policy.limits(key)
    suffix = f" {limits.metric}{suffix}" if key in policy.further else suffix
    row = Row(
        candidate=model.name,
        key=key,
        label=question.vocabulary.title(key) + suffix,
        tier=limits.tier,
        role="target" if key in policy.targets else "general",
        blocking=policy.blocks(key),
        notes=(limits.note,) if limits.note else (),
        size=known_size(question.vocabulary, key),
    )
    if not baseline or not candidate:
        return replace(row, notes=(*row.notes, *missing_notes(question.baseline, model, key, baseline, candidate)))
    first = candidate[0]
    baseline, candidate = ([directed(run, limits) for run in runs] for runs in (baseline, candidate))
    first = candidate[0]
    check_direction(limits, first)
    others = other_filters(first, (*question.baseline.runs, *model.runs))
    spelled = spelled_metric(first)
    also = {run.metric for run in (*question.baseline.runs, *model.runs) if (run.key, run.name) == (key, first.name)}
    named = (others or len(also) > 1) and key not in policy.further
    title = f"{question.vocabulary.title(key)} {spelled.removesuffix(',none')}" if named else None
    title = question.vocabulary.title(key) if key in policy.further else title
    if not others and first.metric != limits.metric:
        others = rival_metrics(first.metric, also)
    if others and not {spelled, first.result_id} & {limits.metric, *question.result_ids}:
        row = replace(row, notes=(*row.notes, f"{spelled}; there is {listing(others, 3)}, too (--metric)"))
    row = replace(
        row,
        shown=(title or question.vocabulary.measured_title(key, first.metric)) + suffix,
        unit=first.unit,
        metric=first.metric,
        spelled_metric=spelled,
        lower_is_better=first.lower_is_better,
        span=first.span,
    )
    row, reasons = with_sides(row, baseline, candidate, policy, question.vocabulary)
    row = with_noise(row, question.repeated)
    unwanted = policy_reasons(row.sides or (), policy, row.pairs is not None or row.corpus is not None)
    notes = (*unwanted, *reasons, *row.notes)
    if unwanted or (reasons and (row.basis is None or not policy.allow_unlike)):
        invalid = any(run.validity.reasons for side in row.sides or () for run in side.runs)
        why = (*unwanted, *reasons)
        row = replace(row, verdict=NOT_COMPARABLE, pairs=None, corpus=None, basis=None, invalid=invalid)
        row = replace(row, notes=notes, reasons=why)
        return with_recorded_scores(row)
    if reasons:
        row = replace(row, notes=(f"compared all the same (--allow-unlike): {'; '.join(reasons)}", *row.notes))
    if row.tier == REPORT:
        evidence = None if row.basis is None else row.basis.evidence
        bounds = None if evidence is None else tuple(map(float, evidence.interval(0.05)))
        return replace(row, verdict=REPORT, bounds=bounds)
    return with_threshold(row, policy)


def rival_metrics(metric: str, there: Collection[str]) -> list[str]:
    """The other metrics of a task that count the same right answers in another way: acc_norm beside acc."""

    def bare(name: str) -> str:
        return name.partition(",")[0].split("_")[0]

    return sorted(other for other in there if other != metric and bare(other) == bare(metric))


def known_size(vocabulary: MetricMapping, key: str) -> int | None:
    """How many items a benchmark has, where metric_mapping.json says it."""
    size = vocabulary.entries.get(key, {}).get("items")
    return size if isinstance(size, int) else None


def missing_notes(
    baseline: ModelRuns, candidate: ModelRuns, key: str, ours: Sequence[Run], theirs: Sequence[Run]
) -> Iterator[str]:
    """Why a benchmark has no comparison."""
    for name, model, runs in (("baseline", baseline, ours), ("candidate", candidate, theirs)):
        if not runs:
            failure = model.failures.get(key)
            yield f"failed for the {name}: {failure.error}" if failure else f"not measured for the {name}"


def directed(run: Run, limits: Limits) -> Run:
    """The run with the direction of its metric; ScriptError(code=3) when neither record nor policy says it."""
    if run.directed:
        return run
    if limits.direction is None:
        raise ScriptError(
            f"{run.file}: nothing says whether more {run.metric} of {run.key} is better; say it in a policy: "
            f"benchmarks: {{{run.key}: {{direction: lower_is_better}}}} (or higher_is_better)",
            code=3,
        )
    return replace(run, lower_is_better=limits.direction == "lower_is_better", directed=True)


def check_direction(limits: Limits, run: Run) -> None:
    """ScriptError when policy and record disagree about which way is better."""
    if limits.direction and (limits.direction == "lower_is_better") != run.lower_is_better:
        way = "lower_is_better" if run.lower_is_better else "higher_is_better"
        raise ScriptError(f"{run.file}: {run.key} is {way} in the record and {limits.direction} in the policy")


def with_sides(
    row: Row, baseline: Sequence[Run], candidate: Sequence[Run], policy: Policy, vocabulary: MetricMapping
) -> tuple[Row, list[str]]:
    """The row with its sides, pairs and basis; and the reasons against comparing them."""
    by_part = [defaultdict(list), defaultdict(list)]
    for parts, runs in zip(by_part, (baseline, candidate), strict=True):
        for run in runs:
            parts[run.subtask].append(run)
    shared = sorted(set(by_part[0]) & set(by_part[1]))
    if "" in shared:  # the whole goes before its parts
        shared = [""]
    lacking = sorted((set(by_part[0]) ^ set(by_part[1])) - {""}) if "" not in shared else []
    if not shared:
        return row, [f"measured in other parts: {listing(sorted(by_part[0]))} and {listing(sorted(by_part[1]))}"]
    ours, theirs, notes = [], [], list(row.notes)
    for part in shared:
        one, two, left = choose_alike(by_part[0][part], by_part[1][part])
        ours, theirs = ours + one, theirs + two
        notes += [line for line in left if line not in notes]
    notes += dict.fromkeys(run.chosen for run in (*ours, *theirs) if run.chosen and run.chosen not in notes)
    once = len(shared) > 1 and counted_once(list({run.subtask: run for run in ours}.values()), vocabulary)
    sides, row = (side_of(ours, once), side_of(theirs, once)), replace(row, parts_once=once)
    paired = bool(sides[0].scores and sides[1].scores)
    matched = match_items(*sides)
    if scales := scale_reasons(*sides):
        return replace(row, sides=sides, notes=tuple(notes)), scales
    gap = same_votes_gap(*sides)  # as a leaderboard has it, also where the two met each other alone
    paired = paired and gap is None
    reasons = [f"parts that one side lacks: {listing(lacking)}"] if lacking else []
    reasons += unlike_reasons(*sides, matched, paired)
    reasons += invalid_reasons(sides[0], "baseline") + invalid_reasons(sides[1], "candidate")
    found = [(name, contradiction(side.runs)) for side, name in zip(sides, ("baseline", "candidate"), strict=True)]
    reasons += [f"the {name}'s {text}" for name, text in found if text]
    if len(shared) > 1:
        notes.append(f"{len(shared)} parts, {'each' if once else 'each of their items'} counts once, as in the harness")
    if line := incomplete_line(row.key, shared, vocabulary):
        notes.append(line)
        names = {name: f"{getattr(row, name)} ({len(shared)} of its parts)" for name in ("label", "shown")}
        row = replace(row, **{name: text for name, text in names.items() if getattr(row, name)})
    for side, name in zip(sides, ("baseline", "candidate"), strict=True):
        notes += [f"{name}: {remark}" for remark in side.notes] + remark_notes(side, name)
        notes += [f"{name}: {side.repeats} repeats averaged"] if side.repeats > 1 else []
    sides = with_absent(*sides) if paired and not other_item_sets(*sides, matched) else sides
    row = replace(row, sides=sides, notes=tuple(notes))
    if paired and matched.names:
        return with_pairs(row, matched, policy.cluster_by is not None), reasons
    scores = [math.fsum(side.run_scores) / len(side.run_scores) for side in sides]
    scores = scores if gap is None else [side.runs[0].score for side in sides]
    one, two = (replace(side.runs[0], score=score) for side, score in zip(sides, scores, strict=True))
    if len(shared) > 1 and all(len(side.runs) == len(shared) for side in sides):
        one, two = (joined_parts(side.runs, vocabulary) for side in sides)
        basis, scores = unpaired_basis(one, two), [one.score, two.score]
    else:
        basis = Basis(None, "several parts without samples") if len(shared) > 1 else unpaired_basis(one, two)
    if gap is not None:
        basis = votes_basis(one, two, gap, row.sign, row.span)
    elif first_corpus_level(sides):
        basis = Basis(None, formula_of_sides(sides)[1] or "corpus-level score without items on both sides")
    return replace(row, baseline_score=scores[0], score=scores[1], basis=basis), reasons


def joined_parts(parts: Sequence[Run], vocabulary: MetricMapping) -> Run:
    """The run that a benchmark's parts without items make: their mean as the harness joins them, with its error."""
    weights, errors = part_weights(parts, vocabulary), [run.standard_error for run in parts]
    error = None if None in errors else math.hypot(*(w * e for w, e in zip(weights, errors, strict=True)))
    sizes = [run.n for run in parts]
    return replace(
        parts[0],
        score=math.fsum(weight * run.score for weight, run in zip(weights, parts, strict=True)),
        standard_error=error,
        n=None if None in sizes else sum(sizes),
    )


def prompt_notes(row: Row, matched: Matched) -> list[str]:
    """What is said where items count together because they were asked with one and the same prompt."""
    groups = {side.answers[name].group for side in row.sides for name in matched.names} - {None}
    prompts = {group for group in groups if group.startswith(ONE_PROMPT)}
    if not prompts:
        return []
    return [f"items with one prompt count together ({len(prompts)} prompts were asked for several items); say "
            "--cluster-by none where what tells them apart is not in the prompt (images, files)"]  # fmt: skip


def scored_files(sides: Iterable[Side]) -> bool:
    """Whether all scores are of files of predictions, ratings or votes that no prompt stands beside."""
    files = all(run.harness[0] == SCORED_FILES for side in sides for run in side.runs)
    return files and not any(answer.prompt_hash for side in sides for answer in side.answers.values())


def with_pairs(row: Row, matched: Matched, settled: bool) -> Row:
    """The row with its paired items and what they show; settled: somebody has said which items belong together."""
    pairs = make_pairs(*row.sides, matched.names, row.parts_once)
    notes = list(row.notes)
    counts = (
        (matched.errors, "could not be scored on both sides in every run"),
        (matched.only_baseline, "only the baseline has"),
        (matched.only_candidate, "only the candidate has"),
    )
    notes += [f"{plural(count, 'item')} {what}" for count, what in counts if count]
    if matched.unknown_prompts and not scored_files(row.sides):
        notes.append(f"the prompts of {matched.unknown_prompts} items could not be compared")
    notes += [] if settled else prompt_notes(row, matched)
    settled = settled or any(run.cluster_field for side in row.sides for run in side.runs)
    unsaid = "" if settled else unsaid_cluster(*row.sides, matched.names)
    if first_corpus_level(row.sides) and len({part for part, _ in matched.names}) > 1:
        scores = [math.fsum(side.run_scores) / len(side.run_scores) for side in row.sides]
        basis = Basis(None, "several parts, each with a score of its own corpus")
        return replace(row, baseline_score=scores[0], score=scores[1], basis=basis, notes=tuple(notes))
    if first_corpus_level(row.sides):
        return with_corpus(replace(row, notes=tuple(notes)), matched.names, unsaid)
    basis = paired_basis(pairs, row.sign, row.span)
    basis = replace(basis, evidence=None, method=unsaid) if unsaid else basis
    return replace(
        row,
        pairs=pairs,
        baseline_score=float(pairs.baseline.mean()),
        score=float(pairs.candidate.mean()),
        basis=basis,
        notes=tuple(notes),
    )


def with_recorded_scores(row: Row) -> Row:
    """A row that is not compared, with the records' own scores where the mean of items is none of them: of a whole
    corpus (an agreement), or of votes, of which two models share a part."""
    parts = [{run.subtask for run in side.runs} for side in row.sides or ()]
    own = any(run.votes or run.aggregation != "mean" for side in row.sides or () for run in side.runs)
    if not own or any(len(names) != 1 for names in parts):
        return row
    scores = [math.fsum(run.score for run in side.runs) / len(side.runs) for side in row.sides]
    return replace(row, baseline_score=scores[0], score=scores[1])


def first_corpus_level(sides: Iterable[Side]) -> str | None:
    """The aggregation of a score that is no mean of its items, or None."""
    return next((run.aggregation for side in sides for run in side.runs if run.aggregation != "mean"), None)


def with_threshold(row: Row, policy: Policy) -> Row:
    """The row with the limit that it is held against; without one, or without enough items, it has no evidence."""
    limits, target, chosen = policy.limits(row.key), row.role == "target", policy.rule == CHOOSE
    amount, words = (None, "") if chosen else limit_of_row(limits, row, target)
    limit = amount if target or amount is None else 0.0 - amount
    basis = row.basis
    if basis.evidence is not None and limit is None and not chosen:
        basis = replace(basis, evidence=None, method="the metric has no bounds: the policy needs " + NO_LIMIT)
    if basis.evidence is not None and basis.n < limits.min_items:
        there = f"{basis.n} items" if basis.n else "of how many items is not recorded"
        basis = replace(basis, evidence=None, method=f"{there}, the policy wants {limits.min_items}")
    notes = (*row.notes, words) if words and basis.evidence is not None else row.notes
    notes = notes if basis.evidence is not None else (*notes, f"{NO_VERDICT}{basis.method}")
    if basis.evidence is not None and row.pairs is None and row.corpus is None and basis.method != SAME_VOTES:
        notes = (*notes, f"{basis.method}: without samples")
    by = "" if amount is None else limit_name(limits, row, target, amount)
    return replace(row, verdict=INCONCLUSIVE, threshold=limit, limit_by=by, basis=basis, notes=notes)


def with_noise(row: Row, repeated: Sequence[Run]) -> Row:
    """The row with its noise floor: as the runs of --aa show it, else the repeats of its sides."""
    if not row.sides:
        return row
    shots = row.sides[1].runs[0].shots
    runs = [r for r in repeated if r.key == row.key and r.metric == row.metric and r.shots == shots]
    if runs:
        runs = grouped_by_settings(runs)[0]
        side = side_of(runs)
        if side.repeats < 2:
            if len(runs) < 2:
                return replace(row, notes=(*row.notes, "--aa has only one run of it"))
            return replace(row, noise=Noise(0.0, len(runs), 0.0))
        sides = [side]
    else:
        sides = [side for side in row.sides if side.repeats > 1]
    if not sides:
        return row
    counts = [max(1, one.repeats) for one in row.sides]
    width, repeats = math.sqrt(1 / counts[0] + 1 / counts[1]), min(side.repeats for side in sides)
    if row.pairs is None or not all(side.scores for side in sides):
        half = max(mean_of_runs(side.run_scores)[2] * math.sqrt(side.repeats) for side in sides)
        return replace(row, noise=Noise(half * width, repeats, None))
    changed = [sum(len(set(own)) > 1 for own in side.scores.values()) / len(side.scores) for side in sides]
    within = math.fsum(
        mean_within(side, side.scores, part_factors(side.scores, row.parts_once)) for side in sides
    ) / len(sides)
    half = float(critical_value(0.025)) * math.sqrt(within / row.pairs.n) * width
    return replace(row, noise=Noise(half, repeats, math.fsum(changed) / len(changed)))


# --- parts/comparison/history.py --------------------------------------------------------------------------------------


def nights_until(tonight: ModelRuns, runs: Sequence[Run], most: int, but: set[str]) -> tuple[ModelRuns, ...]:
    """The last states of a model up to tonight's, each with the runs of one night, the oldest first; `but`: files that
    are another side's."""
    until = max(map(moment_of_run, tonight.runs))
    states = [state for state in states_of(runs) if not {run.file for run in state} & but]
    states = [state for state in states if max(map(moment_of_run, state)) <= until]
    return tuple(ModelRuns(tonight.name, tuple(state)) for state in states[-most:])


def night_date(model: ModelRuns) -> str:
    """The day of a night's last run."""
    return max(map(moment_of_run, model.runs)).strftime("%Y-%m-%d")


def pairs_of_nights(
    baseline: Sequence[ModelRuns], candidate: Sequence[ModelRuns]
) -> tuple[tuple[ModelRuns, ModelRuns], ...]:
    """Each night of the candidate with the baseline's last one until then, or its first."""
    found = []
    for night in candidate:
        when = max(map(moment_of_run, night.runs))
        before = [other for other in baseline if min(map(moment_of_run, other.runs)) <= when]
        found.append((before[-1] if before else baseline[0], night))
    return tuple(found)


def with_history(rows: Sequence[Row], question: Question, alpha: float) -> list[Row]:
    """The rows with what the nights say; alpha: the part of the error budget that is theirs."""
    gate = sum(row.blocking for row in rows)
    return [with_nights(row, question, alpha, max(1, gate)) for row in rows]


def with_nights(row: Row, question: Question, alpha: float, gate: int) -> Row:
    """One row with its nights, and the verdict that they bring where tonight brings none."""
    if row.verdict in (ABSENT, NOT_COMPARABLE) or row.pairs is None or row.by:
        return row
    nights, dates, left = comparable_nights(row, question)
    if len(nights) < FEWEST_NIGHTS:
        words = f"{len(nights)} nights that can be compared: too few to be taken together"
        return replace(row, notes=(*row.notes, words, *left))
    gains = [night.gain for night in nights]
    drift = drift_of(gains)
    found = NightsFound(
        count=len(nights),
        first=dates[0],
        last=dates[-1],
        gains=tuple(gains),
        dates=tuple(dates),
        drift=drift,
        since=dates[drift.since] if drift else None,
        change=change_tonight(nights, row.span),
        sequence=None if row.threshold is None else sequential_evidence(nights, row.threshold, row.span),
    )
    row = replace(row, nights=found)
    row = decided_by_nights(row, question.policy, alpha, gate)
    return replace(row, notes=(*row.notes, *nights_notes(row), *left))


def comparable_nights(row: Row, question: Question) -> tuple[list[Night], list[str], list[str]]:
    """The nights that measured as tonight did, with their dates, and a note about the others."""
    found, dates, left = [], [], []
    for baseline, candidate in question.nights:
        night = night_row(row, question, baseline, candidate)
        why = unlike_tonight(night, row)
        if night is None or why:
            left.append(f"{night_date(candidate)} ({why or 'not measured'})")
            continue
        found.append(night_of(night))
        dates.append(night_date(candidate))
    return found, dates, [f"nights left out: {'; '.join(left[:5])}{' ...' if len(left) > 5 else ''}"] if left else []


def night_row(row: Row, question: Question, baseline: ModelRuns, candidate: ModelRuns) -> Row | None:
    """The row of one night for the same benchmark, before any verdict; None where it was not measured."""
    key, policy, title = row.key, question.policy, question.vocabulary.title(row.key)
    for place in range(1 + len(policy.further.get(key, ()))):
        own = policy.of_metric(key, place) if key in policy.further else policy
        name = f"{title} {own.limits(key).metric}" if key in policy.further else title
        if not row.label.startswith(name):
            continue
        asked = replace(question, baseline=baseline, candidates=(candidate,), policy=own)
        task = task_done(row.sides[1].runs[0])
        of = f" ({task})" if task and row.label.startswith(f"{name} ({task})") else ""
        models = [without_task(model, {key: task}) if of else model for model in (baseline, candidate)]
        one, two = (asked.runs(model, models).get(key, []) for model in models)
        for suffix, ours, theirs in variants(one, two):
            suffix = of + suffix
            if ours and theirs and name + suffix in (row.label, name + of):
                return make_row(asked, candidate, key, suffix, ours, theirs)
    return None


def unlike_tonight(night: Row | None, row: Row) -> str:
    """Why a night cannot be put beside tonight; nothing where it can."""
    if night is None:
        return ""
    if night.verdict == NOT_COMPARABLE or night.pairs is None or night.sides is None:
        return night.notes[0] if night.notes else "not comparable"
    if found := setting_differences(night.sides[1].runs[0], row.sides[1].runs[0]):
        return next(iter(found))
    matched = match_items(night.sides[1], row.sides[1])
    if matched.other_prompts or matched.other_items:
        return "other prompts" if matched.other_prompts else "other items or prompts"
    return "" if night.metric == row.metric else "another metric"


def means_of_repeats(side: Side) -> dict[tuple[str, str], float]:
    """The mean of each item's repeats."""
    return {name: math.fsum(values) / len(values) for name, values in side.scores.items()}


def night_of(row: Row) -> Night:
    """The paired items of a night, with what each shares with other nights: its passage, or itself."""
    import numpy as np

    names = sorted(match_items(*row.sides).names)
    one, two = map(means_of_repeats, row.sides)
    groups = [row.sides[1].answers[name].group or row.sides[0].answers[name].group for name in names]
    shared = [name if group is None else (name[0], f"group {group}") for name, group in zip(names, groups, strict=True)]
    return Night(row.sign * np.array([two[name] - one[name] for name in names]), shared)


def change_tonight(nights: Sequence[Night], span: float | None) -> tuple[float, float] | None:
    """(tonight's gain less that of the nights before on the same items, two-sided p); None where none are the same."""
    import numpy as np

    before: dict[object, list[float]] = {}
    for night in nights[:-1]:
        for name, value in zip(night.shared, night.differences, strict=True):
            before.setdefault(name, []).append(float(value))
    pairs = [
        (float(value) - math.fsum(before[name]) / len(before[name]), name)
        for name, value in zip(nights[-1].shared, nights[-1].differences, strict=True)
        if name in before
    ]
    if len(pairs) < 10:  # other items each night: the means alone tell
        return change_of_means(nights)
    groups = numbered_groups([name for _, name in pairs])
    # A change of an item's difference may be as wide as two ranges.
    evidence = paired_difference(np.array([value for value, _ in pairs]), [groups], None if span is None else 2 * span)
    return float(np.mean([value for value, _ in pairs])), two_sided_p(evidence)


def change_of_means(nights: Sequence[Night]) -> tuple[float, float] | None:
    """The change of nights that ask other items each, by the means alone: Welch's t, items of one passage together."""
    import numpy as np

    sides = [
        (np.concatenate([night.differences for night in part]), [name for night in part for name in night.shared])
        for part in (nights[-1:], nights[:-1])
    ]
    counts = [len(set(names)) for _, names in sides]
    if min(counts) < 2:
        return None
    variances = [sharing_error(values, [numbered_groups(names)]) ** 2 for values, names in sides]
    change, error = float(sides[0][0].mean() - sides[1][0].mean()), math.sqrt(sum(variances))
    freedom = float(satterthwaite(variances, [count - 1 for count in counts]))
    return (change, min(1.0, 2 * upper_tail(abs(change) / error, freedom))) if error else None


def decided_by_nights(row: Row, policy: Policy, alpha: float, gate: int) -> Row:
    """An open row decided by its nights, where nothing shows that they differ and tonight points the same way."""
    found = row.nights
    change_shown = found.change is not None and found.change[1] < policy.alpha
    lost = any(side_attempts(side).lost for side in row.sides)
    if row.verdict != INCONCLUSIVE or found.sequence is None or found.drift or change_shown or lost:
        return row
    if any(run.otherwise for side in row.sides for run in side.runs):  # how answers are written may decide it
        return row
    if row.basis is None or row.basis.evidence is None or row.levels is None or policy.rule == "select":
        return row
    share = alpha * min(1.0, row.levels[0] / policy.alpha * 2)
    above = row.sign * row.delta >= row.threshold
    verdict = INCONCLUSIVE
    if above and found.sequence.e_pass * share >= 1:
        verdict = GO
    elif not above and found.sequence.e_fail * alpha >= gate:
        verdict = NO_GO
    if verdict == INCONCLUSIVE:
        return row
    return replace(row, verdict=verdict, nights=replace(found, decided=True), items_needed=None, needed_if=None)


def shown_gain(row: Row, value: float) -> str:
    """A gain as a difference of scores, in points for proportions."""
    share = row.unit == "proportion"
    return f"{0.0 + round(row.sign * value * (100 if share else 1), 2):+.2f}{' points' if share else ''}"


def drift_text(row: Row, drift: Drift, since: str) -> str:
    """'-0.40 points a night since 2026-03-02 (p = 0.003)'."""
    return f"{shown_gain(row, drift.slope)} a night since {since} (p = {drift.p_value:.2g})"


def nights_notes(row: Row) -> list[str]:
    """What the nights say, in words."""
    found = row.nights
    lines = []
    if found.drift:
        lines.append(f"drift: {drift_text(row, found.drift, found.since)} over {found.count} nights")
    elif found.count < FEWEST_TO_DRIFT:
        lines.append(f"drift is not judged: {found.count} nights, it takes {FEWEST_TO_DRIFT}")
    if found.change is not None and found.change[1] < 0.05:
        lines.append(
            f"tonight is {shown_gain(row, found.change[0])} from the {found.count - 1} nights before "
            f"(p = {found.change[1]:.2g})"
        )
    if found.sequence is None:
        return lines
    sequence = found.sequence
    low, high = row.as_shown(*map(float, sequence.evidence.interval(0.05)))
    low, high = shown_gain(row, row.sign * low), shown_gain(row, row.sign * high)
    differs = found.drift or (found.change is not None and found.change[1] < 0.05)
    words = "decided by" if found.decided else "so not taken together:" if differs else "not decided by"
    return [
        *lines,
        f"{words} {found.count} nights since {found.first}: {shown_gain(row, sequence.mean)} on average "
        f"({low} to {high}), e-values {number(sequence.e_pass, 1)} for the limit kept, "
        f"{number(sequence.e_fail, 1)} for missed",
    ]


# --- parts/comparison/pareto.py ---------------------------------------------------------------------------------------

NUMBERS_AT_ONCE = 2**21
RANDOM_SEED = 20_260_101  # the answer to a question does not change when it is asked again
PARETO_DRAWS = 4_000


def pareto_of(rows: Sequence[Row], question: Question) -> Pareto | None:
    """P(Pareto-optimal) of baseline and candidates by a joint paired bootstrap over the items that all of them have.

    Each draw takes the same items (or clusters) for all results; benchmarks are drawn independently. None when no
    gated benchmark has items for all.
    """
    import numpy as np

    names = [question.baseline.name, *(model.name for model in question.candidates)]
    by_label: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if (
            row.blocking
            and row.pairs is not None
            and row.verdict != NOT_COMPARABLE
            and not first_corpus_level(row.sides)
        ):
            by_label[row.label].append(row)
    whole = {label: found for label, found in by_label.items() if len(found) == len(question.candidates)}
    rng = np.random.default_rng(RANDOM_SEED)
    drawn, points, items, used = [], [], 0, []
    for label in sorted(whole):
        scores, groups = joint_scores(whole[label])
        if not len(groups):
            continue
        used.append(label)
        items += len(groups)
        totals = np.stack([np.bincount(groups, column) for column in scores.T], axis=1)
        sizes = np.bincount(groups).astype(float)
        points.append(scores.mean(axis=0))
        drawn.append(resampled_means(totals, sizes, rng))
    if not used:
        return None
    optimal = undominated(np.stack(drawn, axis=2)).mean(axis=0)
    front = undominated(np.stack(points, axis=1)[None])[0]
    return Pareto(
        tuple(used),
        {name: float(p) for name, p in zip(names, optimal, strict=True)},
        tuple(name for name, on in zip(names, front, strict=True) if on),
        items,
    )


def joint_scores(rows: Sequence[Row]) -> tuple[np.ndarray, np.ndarray]:
    """(items x results, oriented so that more is better; group numbers) over the items that all results have."""
    import numpy as np

    sides = [rows[0].sides[0], *(row.sides[1] for row in rows)]
    common = set(sides[0].scores).intersection(*(side.scores for side in sides[1:]))
    lines, factors = [], part_factors(common, rows[0].parts_once)
    for name in common:
        values = tuple(factors[name[0]] * math.fsum(side.scores[name]) / len(side.scores[name]) for side in sides)
        group = sides[0].answers[name].group
        lines.append((values, (name[0], group) if group is not None else name))
    lines.sort()
    numbers: dict[Any, int] = {}
    groups = np.array([numbers.setdefault(line[1], len(numbers)) for line in lines], int)
    return rows[0].sign * np.array([line[0] for line in lines], float).reshape(-1, len(sides)), groups


def resampled_means(totals: np.ndarray, sizes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(draws x results) means of resampled units, given each unit's total scores and number of items."""
    import numpy as np

    count = len(sizes)
    means = np.empty((PARETO_DRAWS, totals.shape[1]))
    step = max(1, NUMBERS_AT_ONCE // count)
    for begin in range(0, PARETO_DRAWS, step):
        draws = min(step, PARETO_DRAWS - begin)
        picked = rng.integers(0, count, (draws, count)) + count * np.arange(draws)[:, None]
        weights = np.bincount(picked.ravel(), minlength=draws * count).reshape(draws, count)
        means[begin : begin + draws] = (weights @ totals) / (weights @ sizes)[:, None]
    return means


def undominated(scores: np.ndarray) -> np.ndarray:
    """(draws x results): whether no other result is at least as good everywhere and better somewhere.

    scores: draws x results x benchmarks.
    """
    import numpy as np

    results = scores.shape[1]
    optimal = np.ones(scores.shape[:2], bool)
    for i in range(results):
        for j in range(results):
            if i != j:
                gap = scores[:, j] - scores[:, i]
                optimal[:, i] &= ~((gap >= -1e-12).all(axis=1) & (gap > 1e-12).any(axis=1))
    return optimal


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


# --- parts/comparison/verdicts.py -------------------------------------------------------------------------------------

MAX_T_DRAWS = 40_000


def judge(rows: Sequence[Row], policy: Policy, candidates: int) -> list[Row]:
    """The rows with their verdicts: the gate's benchmarks share one error budget, the others another.

    Candidates of which the best one is taken each have a family of their own: all of them must fail for a NO-GO.
    """
    names = dict.fromkeys(row.candidate for row in rows)
    families = [rows] if policy.rule == "select" else [[row for row in rows if row.candidate == name] for name in names]
    share = picking_level(rows, policy, candidates)
    judged = {id(row): row for row in rows}
    for members in families:
        for blocking in (True, False):
            family = [row for row in members if is_gated(row, policy) == blocking and has_evidence(row)]
            for row, levels, adjusted in zip(family, *family_levels(family, policy, blocking, share), strict=True):
                found = judge_row(row, policy, levels, adjusted)
                judged[id(row)] = within_writing(within_losses(found, policy), policy)
    return [judged[id(row)] for row in rows]


def is_gated(row: Row, policy: Policy) -> bool:
    """Whether a row is of the gate: a benchmark that blocks, or a part of one, whose shown failure blocks."""
    return row.blocking or (bool(row.by) and policy.blocks(row.key))


def picking_level(rows: Sequence[Row], policy: Policy, candidates: int) -> float:
    """The level at which one candidate's claims are tested, so that the best of all that were tried is one by chance in
    at most alpha: Bonferroni's, or what the candidates' correlation allows where all of them are there (max-t)."""
    tried = max(policy.tried or 1, candidates)
    alone = policy.alpha / tried
    if tried == 1 or tried > candidates or policy.rule == "select":
        return alone
    tested = [row for row in rows if row.blocking and has_evidence(row)]
    return max(alone, max_t_level(tested, policy.alpha)) if tested else alone


def max_t_level(rows: Sequence[Row], alpha: float) -> float:
    """The level of one test among all of several candidates and benchmarks that share items (Westfall and Young 1993).

    The largest of the statistics is drawn from normal ones with the correlations that the items have.
    """
    import numpy as np
    from scipy import special

    by_label: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_label[row.label].append(row)
    rng, largest = np.random.default_rng(RANDOM_SEED), np.full(MAX_T_DRAWS, -np.inf)
    for own in by_label.values():
        correlation = np.eye(len(own))
        if len(own) > 1 and all(row.pairs is not None for row in own):
            scores, groups = joint_scores(own)
            changes = scores[:, 1:] - scores[:, :1]
            sums = np.stack([np.bincount(groups, column - column.mean()) for column in changes.T])
            if (sums.std(axis=1) > 0).all():
                correlation = np.corrcoef(sums)
        values, vectors = np.linalg.eigh(correlation)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        largest = np.maximum(largest, (root @ rng.standard_normal((len(own), MAX_T_DRAWS))).max(axis=0))
    return float(special.ndtr(-np.quantile(largest, 1 - alpha)))


def has_evidence(row: Row) -> bool:
    """Whether a row can be judged."""
    return row.verdict == INCONCLUSIVE and row.basis is not None and row.basis.evidence is not None


def family_levels(
    family: Sequence[Row], policy: Policy, blocking: bool, share: float
) -> tuple[list[tuple[float, float]], list[dict[str, float]]]:
    """For each row of a family the one-sided levels of its (lower, upper) bound, and its adjusted p-values.

    A gate passes only when every benchmark passes, so a pass needs no correction for their number (an
    intersection-union test, Berger 1982), only for that of the candidates: `share` is what one of them has of alpha. It
    fails when any benchmark fails, or any part of one (--by), so failing is corrected by Holm; parts that pass are
    claimed one by one: Holm over the parts. "select" claims improvements one by one: Holm, and
    at most the share. What cannot block is exploration: Benjamini-Hochberg.
    """
    alpha, select = policy.alpha, policy.rule == "select"
    method = "holm" if blocking else "fdr_bh"
    passes = [row.basis.evidence.p_above(0.0 if select else row.threshold) for row in family]
    fails = [row.basis.evidence.p_below(row.threshold) for row in family]
    failing = step_levels(fails, alpha, method)
    parts = iter(step_levels([p for p, row in zip(passes, family, strict=True) if row.by], alpha, "holm"))
    passing = [next(parts) if row.by else (p, alpha) for p, row in zip(passes, family, strict=True)]
    passing = step_levels(passes, alpha, method) if select or not blocking else passing
    if blocking:
        pairs = zip(passes, passing, strict=True)
        passing = [(max(q, min(1.0, p * alpha / share)), min(level, share)) for p, (q, level) in pairs]
    levels = [(low, high) for (_, low), (_, high) in zip(passing, failing, strict=True)]
    adjusted = [
        {"pass": p, "pass_adjusted": pass_q, "fail": q, "fail_adjusted": fail_q}
        for p, q, (pass_q, _), (fail_q, _) in zip(passes, fails, passing, failing, strict=True)
    ]
    return levels, adjusted


def judge_row(row: Row, policy: Policy, levels: tuple[float, float], p_values: Mapping[str, float]) -> Row:
    """One row's verdict at its levels."""
    evidence, select = row.basis.evidence, policy.rule == "select"
    if select:
        p_values = {**p_values, "no_regression": evidence.p_above(row.threshold)}
    above, below = (BETTER, REGRESSION) if select else (GO, NO_GO)
    verdict = INCONCLUSIVE
    if p_values["pass"] <= levels[0]:
        verdict = above
    elif select and p_values["no_regression"] <= levels[0]:
        verdict = NO_REGRESSION
    elif p_values["fail"] <= levels[1]:
        verdict = below
    bounds = evidence.lower(levels[0]), evidence.upper(levels[1])
    row = replace(row, verdict=verdict, levels=levels, bounds=bounds, p_values=p_values)
    if row.noise is not None and abs(row.delta) <= row.noise.half_width:
        row = replace(row, notes=(*row.notes, "within the A/A noise"))
    return with_items_needed(row, policy) if verdict == INCONCLUSIVE else row


def with_items_needed(row: Row, policy: Policy) -> Row:
    """An undecided row with the number of items that would decide it at its own level with the policy's power, and
    under which assumption."""
    evidence, n, levels = row.basis.evidence, row.basis.n, row.levels
    limit = 0.0 if policy.rule == "select" else row.threshold
    below = row.sign * row.delta < limit and (row.role == "target" or policy.rule == "select")
    observed = row if below else with_items_that_show(row, limit, levels, policy.power)
    if row.role == "general" and row.threshold < 0 and n:
        needed = items_needed(evidence, n, row.threshold, levels[0], policy.power, unchanged=True)
        if needed is None or needed > n:
            low, high = evidence.interval(policy.alpha)
            if low <= 0 <= high:
                return replace(row, items_needed=needed, needed_if=UNCHANGED)
            return replace(observed, needed_unchanged=needed)  # a change is shown: first of its size
    return observed


def with_items_that_show(row: Row, limit: float, levels: tuple[float, float], power: float) -> Row:
    """The row with the items that show on which side of the limit it lies, if it lies where it seems to."""
    distance = row.sign * row.delta - limit
    if distance == 0 or not row.basis.n:  # where nobody says how many there are, so many times more is no number
        return row
    evidence, n = row.basis.evidence, row.basis.n
    side, edge, level = (evidence, limit, levels[0]) if distance > 0 else (evidence.mirrored(), -limit, levels[1])
    needed = items_needed(side, n, edge, level, power)
    needed = None if needed is None else max(needed, n + 1)
    return replace(row, items_needed=needed, needed_if=OBSERVED)


def candidate_verdict(rows: Sequence[Row], policy: Policy) -> tuple[str, list[str]]:
    """One candidate's verdict from its rows, and the reasons in words."""
    gate = [row for row in rows if row.blocking]
    undecided = [row for row in gate if row.verdict == INCONCLUSIVE]
    ways = {way: [r.label for r in undecided if policy.undecided.get(r.tier, "ask") == way] for way in UNDECIDED_WAYS}
    of = {verdict: [row.label for row in gate if row.verdict == verdict] for verdict in STYLES}
    of[INCONCLUSIVE] = ways["ask"]
    parts = [row.label for row in rows if row.by and is_gated(row, policy) and row.verdict in (NO_GO, REGRESSION)]
    bad = of[NO_GO] + of[REGRESSION] + parts
    words = "a regression is shown on" if policy.rule == "select" else "the limit is missed, shown by the interval, on"
    if bad or ways["fail"]:
        reasons = [f"{words} {listing(bad, 20)}"] if bad else []
        reasons += [f"undecided, a failure by the policy: {listing(ways['fail'], 20)}"] if ways["fail"] else []
        reasons += [f"missing: {listing(of[ABSENT], 20)}"] if of[ABSENT] else []
        return NO_GO, reasons
    passed = [f"undecided, let pass by the policy: {listing(ways['pass'], 20)}"] if ways["pass"] else []
    open_rows = {INCONCLUSIVE: "undecided", NOT_COMPARABLE: "not comparable", ABSENT: "missing"}
    of[NOT_COMPARABLE] = not_comparable_because(gate)
    reasons = [f"{words}: {listing(of[verdict], 20)}" for verdict, words in open_rows.items() if of[verdict]]
    shown = len({row.key for row in gate if row.verdict == BETTER})
    if policy.rule == "select" and shown < policy.min_better:
        better = f"better is shown on {shown} of the {policy.min_better} benchmarks that are wanted"
        reasons.append(better + (f" ({listing(of[BETTER], 20)})" if of[BETTER] else ""))
    if reasons:
        return INCONCLUSIVE, reasons
    if policy.rule == "select":
        return GO, [f"better on {listing(of[BETTER], 20)}, and no regression on any of {len(gate)}", *passed]
    if passed:
        return GO, [f"{len(of[GO])} of {len(gate)} gated benchmarks pass", *passed]
    return GO, [f"all {len(gate)} gated benchmarks pass"]


def not_comparable_because(gate: Sequence[Row]) -> list[str]:
    """The rows that cannot be compared, by name; behind those of one reason, what it is."""
    names: dict[str, list[str]] = {}
    for row in gate:
        if row.verdict == NOT_COMPARABLE:
            names.setdefault(first_texts(row.reasons), []).append(row.label)
    return [f"{listing(labels, 20)} ({why})" if why else listing(labels, 20) for why, labels in names.items()]


def first_texts(texts: Sequence[str], most: int = 200) -> str:
    """The first of some texts, as many as have room, and at least one of those that say something."""
    told = [text for text in texts if text.strip()]
    while len(told) > 1 and len("; ".join(told)) > most:
        told.pop()
    return "; ".join(told)[:most]


def open_reason(rows: Sequence[Row]) -> str:
    """Why a gate did not come to GO or NO-GO, the first that has to be mended: invalid, not_comparable, missing, ..."""
    gate = [row for row in rows if row.blocking]
    if any(row.invalid and row.verdict == NOT_COMPARABLE for row in gate):
        return "invalid"
    for verdict, why in ((NOT_COMPARABLE, "not_comparable"), (ABSENT, "missing")):
        if any(row.verdict == verdict for row in gate):
            return why
    return "undecided"


def decide(question: Question) -> Decision:
    """The answer to a question."""
    policy = question.policy
    if question.nights:  # half of the error budget for tonight alone, half for the nights together
        tonight = replace(policy, alpha=policy.alpha / 2)
        rows = with_history(judge(make_rows(question), tonight, 1), question, policy.alpha / 2)
    else:
        rows = judge(make_rows(question), policy, len(question.candidates))
    check_gate(rows, policy)
    verdicts, reasons = {}, []
    for model in question.candidates:
        own = [row for row in rows if row.candidate == model.name]
        verdicts[model.name], lines = candidate_verdict(own, policy)
        prefix = f"{model.name}: {verdicts[model.name]}: " if len(question.candidates) > 1 else ""
        reasons += [prefix + line for line in lines]
    found, chosen = set(verdicts.values()), None
    if policy.rule != "select" and len(question.candidates) > 1:
        chosen = best_candidate(rows, verdicts)
        best = f"the best of {len(verdicts)} is {chosen}: {verdicts[chosen]}"
        if not any(row.delta is not None for row in rows if row.candidate == chosen and row.blocking):
            chosen, best = None, f"none of the {len(verdicts)} can be called the best: not all of them can be compared"
        reasons = [best, *(line for line in reasons if chosen is None or line.startswith(f"{chosen}: "))]
    verdict = GO if GO in found else NO_GO if found == {NO_GO} else INCONCLUSIVE
    open_rows = [row for row in rows if verdicts[row.candidate] == INCONCLUSIVE and chosen in (None, row.candidate)]
    pareto = pareto_of(rows, question) if policy.rule == "select" else None
    return Decision(
        verdict,
        tuple(reasons),
        warnings_of(rows, question),
        question.baseline.name,
        verdicts,
        tuple(rows),
        policy,
        pareto,
        chosen,
        open_reason(open_rows) if verdict == INCONCLUSIVE else None,
    )


def best_candidate(rows: Sequence[Row], verdicts: Mapping[str, str]) -> str:
    """The candidate that is taken: of those with the best verdict the one that gains most on its targets, or else on
    all that is gated."""
    order = {GO: 2, INCONCLUSIVE: 1, NO_GO: 0}

    def standing(name: str) -> tuple[int, float]:
        own = [row for row in rows if row.candidate == name and row.blocking and row.delta is not None]
        own = [row for row in own if row.role == "target"] or own
        gains = [row.sign * row.delta / (row.span or 1.0) for row in own]
        return order[verdicts[name]], sum(gains) / len(gains) if gains else -1.0

    return max(verdicts, key=standing)


def check_gate(rows: Sequence[Row], policy: Policy) -> None:
    """ScriptError when the rule cannot be applied to what was measured."""
    gate = {row.key for row in rows if row.blocking}
    if not gate:
        raise ScriptError("no measured benchmark is gated: the policy calls all of them advisory (or supporting: warn)")
    if policy.rule == "select" and len(gate) < policy.min_better:
        raise ScriptError(
            f"--rule select wants {policy.min_better} better benchmarks, only {len(gate)} are gated: {listing(gate)}; "
            f"a policy (--policy) may want fewer: min_better: {len(gate)}"
        )


def warnings_of(rows: Sequence[Row], question: Question) -> tuple[str, ...]:
    """What does not block, but ought to be known."""
    lines = [
        f"{row.label} ({row.tier}, does not block): {row.verdict}"
        for row in rows
        if not row.blocking
        and row.verdict in (NO_GO, REGRESSION, NOT_COMPARABLE)
        and not (row.by and is_gated(row, question.policy))
    ]
    lines += [
        f"{row.label} drifts: {drift_text(row, row.nights.drift, row.nights.since)}"
        for row in rows
        if row.nights is not None and row.nights.drift
    ]
    open_parts = [row.label for row in rows if row.by and row.verdict in (INCONCLUSIVE, NOT_COMPARABLE)]
    if open_parts:
        lines.append(f"undecided for parts, which does not block: {listing(open_parts, 20)}")
    lines += [question.luck] if question.luck else []
    models = {model.name: model.runs for model in (question.baseline, *question.candidates)}
    lines += [line] if (line := same_weights_line(models, "a wrong path?")) else []
    compared = [run for row in rows if row.sides for side in row.sides for run in side.runs if not row.by]
    lines += [*partial_lines(compared), *chance_lines(compared)]
    lines += own_entries(question.vocabulary.entries, (run.key for run in compared))
    gated = {*question.policy.benchmarks, *question.policy.targets, *question.baseline.failures}
    gated.update(
        *(model.failures for model in question.candidates), *({run.key for run in runs} for runs in models.values())
    )
    left = sorted(key for key in gated - question.only if question.only and question.policy.blocks(key))
    if left:
        lines.append(
            f"gated benchmarks that --benchmarks leaves out, so the answer is not about them: {listing(left, 20)}"
        )
    return tuple(lines)


# --- parts/comparison/choose.py ---------------------------------------------------------------------------------------

MIXED, NO_DIFFERENCE = "MIXED", "NO DIFFERENCE SHOWN"
NO_WORSE = 0.01  # of a metric's range: a model that is shown to lose less is no worse, in the table of facts
SIDE_WORDS = re.compile(r"(?<![\w/.-])(?:the )?(baseline|candidate)(?![\w/-])")
WAYS = ("lower", "higher")


@dataclass(frozen=True, slots=True)
class Duel:
    """Two models on one benchmark: where the second one's lead lies, and whether that leaves out 0."""

    one: str
    other: str
    row: Row
    interval: tuple[float, float] | None = None  # of the lead of `other`, more is better; all hold together
    p_adjusted: float | None = None
    winner: str | None = None

    @property
    def bounds(self) -> tuple[float, float]:
        """The interval as it holds whatever the lost attempts would have got."""
        return within_reach(self.row, self.interval)


@dataclass(frozen=True, slots=True)
class ChoiceFacts:
    """What is known of models beside their scores. better: fact -> lower or higher."""

    better: Mapping[str, str]
    values: Mapping[str, Mapping[str, float]]  # model -> fact -> number


@dataclass(frozen=True, slots=True)
class Choice:
    """The answer."""

    verdict: str
    best: str | None
    models: tuple[str, ...]
    duels: tuple[Duel, ...]
    alpha: float
    facts: ChoiceFacts | None
    luck: str = ""  # what is said of how many a model was picked from

    @property
    def open(self) -> list[Duel]:
        """Those that could not be compared: measured unlike, or (as in a gate) for one model only."""
        rows = ((duel, duel.row) for duel in self.duels)
        return [duel for duel, row in rows if row.verdict == NOT_COMPARABLE or (row.blocking and row.verdict == ABSENT)]

    @property
    def exit_code(self) -> int:
        """0 when one model is better and nothing that blocks was left out, else 3."""
        return 0 if self.verdict == BETTER and not self.open else 3

    def wins(self, one: str, other: str) -> list[Duel]:
        """The benchmarks on which `one` is shown better than `other`."""
        return [duel for duel in self.duels if {duel.one, duel.other} == {one, other} and duel.winner == one]


def rank_ranges_of(choice: Choice) -> list[tuple[Row, dict[str, tuple[int, int]]]]:
    """For each benchmark on which any were compared a row of it, and the ranks that each model may have, in the order
    of their middles: from 1 + how many are shown better to the number of models without those that are shown worse."""
    by_benchmark: dict[tuple[str, str], list[Duel]] = {}
    for duel in choice.duels:
        by_benchmark.setdefault((duel.row.key, benchmark_name(duel.row)), []).append(duel)
    found = []
    for duels in by_benchmark.values():
        if all(duel.interval is None for duel in duels):
            continue
        won = [(duel.winner, duel.other if duel.winner == duel.one else duel.one) for duel in duels if duel.winner]
        ranks = {
            name: (
                1 + sum(loser == name for _, loser in won),
                len(choice.models) - sum(best == name for best, _ in won),
            )
            for name in choice.models
        }
        found.append((duels[0].row, dict(sorted(ranks.items(), key=lambda item: sum(item[1])))))
    return found


def ranks_text(row: Row, ranks: Mapping[str, tuple[int, int]]) -> str:
    """The ranks of all models on a benchmark: "ranks on arena: A 1, B 2–3, C 2–3"."""
    told = (f"{name} {low}" if low == high else f"{name} {low}–{high}" for name, (low, high) in ranks.items())
    return f"ranks on {benchmark_name(row)}: {listing(told, 20)}"


def choose(question: Question, facts: ChoiceFacts | None) -> Choice:
    """Every pair of the candidates on every benchmark, Holm over all of them, and who is better."""
    names = [model.name for model in question.candidates]
    duels = []
    asked: list[MetricsToChoose] = []
    for one, other in itertools.combinations(question.candidates, 2):
        try:
            rows = make_rows(replace(question, baseline=one, candidates=(other,)))
            duels += [Duel(one.name, other.name, row) for row in rows]
        except MetricsToChoose as error:
            asked.append(error)
    raise_together(asked)
    known = [i for i, d in enumerate(duels) if d.row.basis is not None and d.row.basis.evidence is not None]
    known = [i for i in known if duels[i].row.verdict not in (NOT_COMPARABLE, ABSENT)]
    p_values = [two_sided_p(duels[i].row.basis.evidence) for i in known]
    alpha = question.policy.alpha / max(1, question.policy.tried or 1)  # the best of some may be the luckiest
    levels = step_levels(p_values, alpha, "holm")
    for i, p, (adjusted, level) in zip(known, p_values, levels, strict=True):
        low, high = map(float, duels[i].row.basis.evidence.interval(level))
        shown = duels[i].other if low > 0 else duels[i].one if high < 0 else None  # one that ends at 0 shows nothing
        winner = shown if p <= level else None
        row = duels[i].row
        verdict = row.verdict if winner is None else BETTER if low > 0 else REGRESSION
        held = replace(row, verdict=verdict, threshold=0.0, levels=(level / 2, level / 2))
        held = within_writing(within_losses(held, question.policy), question.policy)
        row, winner = replace(row, notes=held.notes), None if held.verdict == INCONCLUSIVE else winner
        if winner is None and not (shown and p <= level):  # else more items decide nothing: it is what was lost
            row = with_items_that_show(row, 0.0, (level / 2, level / 2), question.policy.power)
        duels[i] = replace(duels[i], row=row, interval=(low, high), p_adjusted=adjusted, winner=winner)
    duels = [replace(duel, row=named_row(duel)) for duel in duels]
    compared = {(duel.one, duel.other) for duel in duels if duel.interval is not None}
    verdict = NO_DIFFERENCE if compared.issuperset(itertools.combinations(names, 2)) else INCONCLUSIVE
    choice = Choice(verdict, None, tuple(names), tuple(duels), alpha, facts, question.luck)
    if not any(duel.winner for duel in duels):
        return choice
    leaders = [
        name
        for name in names
        if all(choice.wins(name, other) and not choice.wins(other, name) for other in names if other != name)
    ]
    return replace(choice, verdict=BETTER if leaders else MIXED, best=leaders[0] if leaders else None)


def named_row(duel: Duel) -> Row:
    """A duel's row, with its models' names in the notes: neither of them is a baseline or a candidate."""
    names = {"baseline": duel.one, "candidate": duel.other}
    notes = (SIDE_WORDS.sub(lambda found: names[found[1]], text) for text in duel.row.notes)
    return replace(duel.row, notes=tuple(notes))


# --- Facts ------------------------------------------------------------------------------------------------------------


def read_choice_facts(path: Path, models: Sequence[str]) -> ChoiceFacts:
    """A CSV table: models in the first column, a number for each fact; the line below the header says lower or higher.

    ScriptError: code 3 when it does not say which way is better, 2 when a model or a number is missing.
    """
    lines = fact_lines(path)
    header = lines[0]
    ways = [cell.lower() for cell in lines[1][1:]]
    if not set(ways) <= set(WAYS):
        example = ",".join(["better", *("lower" for _ in header[1:])])
        raise ScriptError(
            f"--facts {path}: is less or more of {listing(header[1:])} better? Say it in the second line: {example}",
            code=3,
        )
    values: dict[str, dict[str, float]] = {}
    for line in lines[2:]:
        name = line[0]
        own = [model for model in models if name == model] or [m for m in models if name in names_of_model(m)]
        if len(own) != 1:
            continue
        if own[0] in values:
            raise ScriptError(f"--facts {path}: two lines for {own[0]}")
        try:
            numbers = [float(cell) for cell in line[1:]]
        except ValueError as error:
            raise ScriptError(f"--facts {path}: {name}: {error}") from error
        if not all(map(math.isfinite, numbers)):
            raise ScriptError(f"--facts {path}: {name}: a finite number for each of {listing(header[1:])} is expected")
        values[own[0]] = dict(zip(header[1:], numbers, strict=True))
    missing = [model for model in models if model not in values]
    if missing:
        raise ScriptError(f"--facts {path}: no line for {listing(missing)}")
    return ChoiceFacts(dict(zip(header[1:], ways, strict=True)), values)


def fact_lines(path: Path) -> list[list[str]]:
    """The lines of a CSV table, but blank ones; ScriptError where not each has as many cells as the first, whose names
    are one column's each: a price of 1,234.5 would be two cells, and of two columns of one name the last would count.
    """
    try:
        rows = csv.reader(io.StringIO(input_text(path)), strict=True)
        lines = [(rows.line_num, [cell.strip() for cell in line]) for line in rows if any(map(str.strip, line))]
    except csv.Error as error:
        raise ScriptError(f"--facts {path}: {error}") from error
    header = lines[0][1] if lines else []
    if len(lines) < 2 or len(header) < 2:
        raise ScriptError(f"--facts {path}: a header and a line for each model are expected")
    if len(set(header[1:]) - {""}) < len(header) - 1:
        raise ScriptError(f"--facts {path}: each fact is one column, with a name of its own in the first line")
    for number, line in lines:
        if len(line) != len(header):
            raise ScriptError(
                f"--facts {path}: line {number}: {len(line)} cells, and {len(header)} in the first line: numbers are "
                "written without commas between digits (1234.5)"
            )
    return [line for _, line in lines]


def names_of_model(model: str) -> set[str]:
    """What a model may be called in a table: with or without its revision and its owner."""
    bare = model.partition("@")[0]
    return {model, bare, model.rsplit("/", 1)[-1], bare.rsplit("/", 1)[-1]}


def lead(duel: Duel, name: str) -> tuple[float, float]:
    """The bounds of a model's lead in a duel, as a share of the metric's range; without one, of the better score."""
    low, high = duel.bounds
    span = duel.row.span or max(abs(duel.row.baseline_score), abs(duel.row.score)) or 1.0
    return (low / span, high / span) if name == duel.other else (-high / span, -low / span)


def dominated(choice: Choice, name: str) -> list[str]:
    """Who leaves no reason to take a model: no worse in any fact, shown no worse on any benchmark, better somewhere."""
    facts, found = choice.facts, []
    for other in choice.models:
        own = [d for d in choice.duels if {d.one, d.other} == {name, other} and d.row.verdict != ABSENT]
        if other == name or not own or any(d.interval is None for d in own):
            continue
        signs = {fact: 1 if way == "higher" else -1 for fact, way in facts.better.items()}
        ahead = [signs[fact] * (facts.values[other][fact] - facts.values[name][fact]) for fact in signs]
        no_worse = all(lead(duel, other)[0] > (-NO_WORSE if duel.row.span else 0.0) for duel in own)
        if min(ahead) >= 0 and no_worse and (max(ahead) > 0 or choice.wins(other, name)):
            found.append(other)
    return found


def costs_of_choice(choice: Choice) -> list[str]:
    """What each model gives up and saves against the best, or else against the one that is ahead most often.

    Differences are counted, not added up: their units and ranges are unlike.
    """
    compared = [duel for duel in choice.duels if duel.interval is not None]
    ahead = dict.fromkeys(choice.models, 0)
    for gain, duel in ((duel.row.sign * duel.row.delta, duel) for duel in compared):
        ahead[duel.other] += gain > 0
        ahead[duel.one] += gain < 0
    top = choice.best or max(ahead, key=ahead.get)
    count = plural(sum(top in (duel.one, duel.other) for duel in compared), "comparison")
    lines = [f"against {top}, whose score is the better one in {ahead[top]} of {count}:"]
    for name in choice.models:
        if name == top:
            continue
        shown = []
        for duel in (d for d in compared if {d.one, d.other} == {name, top} and d.winner is not None):
            sign = 1 if name == duel.other else -1
            low, high = duel.interval if sign > 0 else (-duel.interval[1], -duel.interval[0])
            low, high = duel.row.as_shown(low, high)
            shown.append(
                f"{'better' if duel.winner == name else 'worse'} on {benchmark_name(duel.row)}: "
                f"{change(duel.row, sign * duel.row.delta)} [{change(duel.row, low)}, {change(duel.row, high)}]"
            )
        shown.append("nothing shown elsewhere" if shown else "no difference shown")
        for fact in choice.facts.better:
            mine, theirs = choice.facts.values[name][fact], choice.facts.values[top][fact]
            share = f" ({100 * (mine / theirs - 1):+.0f} %)" if theirs > 0 else ""
            shown.append(f"{fact} {mine:g}, as there" if mine == theirs else f"{fact} {mine:g}, not {theirs:g}{share}")
        lines.append(f"{name}: {', '.join(shown)}")
    return lines


# --- Output -----------------------------------------------------------------------------------------------------------


def choice_table(choice: Choice) -> tuple[list[str], list[list[str]]]:
    """A line for each pair and benchmark."""
    several = len(choice.models) > 2
    header = ["pair"] * several + ["benchmark"]
    header += ["first", "second"] if several else list(choice.models)
    header += [f"difference ({percent(1 - choice.alpha)} interval)", "n", "better", "notes"]
    lines = []
    for duel in choice.duels:
        row, shown = duel.row, "–"
        if duel.interval is not None:
            low, high = row.as_shown(*duel.interval)
            unit = " points" if is_share(row) else f" {row.unit}"
            shown = f"{change(row, row.delta)}{unit} ({change(row, low)} to {change(row, high)})"
        verdict = duel.winner or ("none shown" if duel.interval is not None else row.verdict.lower())
        cells = [f"{duel.one}, {duel.other}"] * several + [benchmark_name(row), score_cell(row, 0), score_cell(row, 1)]
        lines.append([*cells, shown, count_cell(row), verdict, row_notes(row)])
    return header, lines


def choice_lines(choice: Choice) -> list[str]:
    """The answer in words."""
    names = listing(choice.models, 20)
    lines = [f"{choice.verdict}: {choice.best}, of {names}" if choice.best else f"{choice.verdict}: {names}"]
    lines += [f"- {choice.luck}"] if choice.luck else []
    for one, other in itertools.permutations(choice.models, 2):
        won = [duel.row.label for duel in choice.wins(one, other)]
        lines += [f"- {one} is better than {other} on {listing(won, 20)}"] if won else []
    for one, other in itertools.combinations(choice.models, 2):
        unshown: dict[str, list[str]] = {}
        for duel in choice.duels:
            if (duel.one, duel.other) == (one, other) and duel.interval is not None and duel.winner is None:
                low, high = duel.row.as_shown(*duel.bounds)
                ends = f"{benchmark_name(duel.row)} (beyond {change(duel.row, low)} and {change(duel.row, high)})"
                unshown.setdefault(how_open(duel), []).append(ends)
        for how, ends in unshown.items():
            lines.append(f"- no difference of {one} and {other} shown, {how}: {listing(ends, 20)}")
    if len(choice.models) > 2:
        lines += [f"- {ranks_text(*one)}" for one in rank_ranges_of(choice)]
    left = [f"{d.row.label} ({why_left(d.row)})" for d in choice.duels if d.interval is None]
    lines += [f"- not compared: {listing(dict.fromkeys(left), 20)}"] if left else []
    if choice.facts is not None:
        lines += [f"- {line}" for line in costs_of_choice(choice)]
        for name in choice.models:
            by = dominated(choice, name)
            lines += (
                [f"- no reason to take {name}: {listing(by)} is no worse in anything, and better somewhere"]
                if by
                else []
            )
    return lines


def how_open(duel: Duel) -> str:
    """What the interval of a duel that nobody has won says."""
    low, high = duel.interval
    if (low > 0 or high < 0) and any(BY_WRITING in note for note in duel.row.notes):
        return "for how answers are written may outweigh what they say (see the notes)"
    if low > 0 or high < 0:
        return "for what was lost may outweigh what was scored, whose difference is (see the notes)"
    span = math.inf if duel.row.span is None else duel.row.span
    if duel.bounds[0] <= -span and duel.bounds[1] >= span:
        return "and none ruled out"
    lost = ", whatever lost attempts would have got" if duel.bounds != duel.interval else ""
    return f"and larger ones ruled out{lost}"


def why_left(row: Row) -> str:
    """Why a benchmark was not compared: how it stands, or what there is against a verdict."""
    return next((note for note in row.notes if note.startswith(NO_VERDICT)), row.verdict.lower())


def choice_reading(choice: Choice) -> str:
    """How the table is to be read."""
    count = len([duel for duel in choice.duels if duel.interval is not None])
    sure = percent(1 - choice.alpha)
    told = (
        f"The interval holds with {sure}" if count == 1 else f"The {count} intervals hold together with {sure} (Holm)"
    )
    if not count:
        return "Nothing was compared. This asks which model is better, not whether it is good enough to ship."
    return (
        f"Differences are second minus first. {told}; one that leaves out 0 shows a difference. This says which model "
        "is better, not whether it is good enough to ship."
    )


def choice_text(choice: Choice) -> str:
    """The answer as Markdown."""
    return "\n".join([pipe_table(*choice_table(choice)), "", *choice_lines(choice), "", choice_reading(choice)])


def choice_json(choice: Choice) -> dict[str, Any]:
    """The document of --json."""
    return {
        "schema_version": "1",
        "rule": "choose",
        "verdict": choice.verdict,
        "exit_code": choice.exit_code,
        "reason": None if choice.exit_code == 0 else open_reason([duel.row for duel in choice.duels]),
        "best": choice.best,
        "models": list(choice.models),
        "alpha": choice.alpha,
        "reasons": choice_lines(choice)[1:],
        "how_to_read": [choice_reading(choice)],
        "comparisons": [
            {
                "models": [duel.one, duel.other],
                "benchmark": duel.row.key,
                "name": duel.row.label,
                "metric": duel.row.metric or None,
                "unit": duel.row.unit,
                "lower_is_better": duel.row.lower_is_better,
                "scores": [duel.row.baseline_score, duel.row.score],
                "delta": duel.row.delta,
                "interval": None if duel.interval is None else list(duel.row.as_shown(*duel.interval)),
                "p_adjusted": duel.p_adjusted,
                "better": duel.winner,
                "items_needed": duel.row.items_needed,
                "n": duel.row.basis.n or None if duel.row.basis else None,
                "method": duel.row.basis.method if duel.row.basis else None,
                "notes": list(duel.row.notes),
            }
            for duel in choice.duels
        ],
        "ranks": [
            {"benchmark": row.key, "name": row.label, "ranks": {name: list(ends) for name, ends in ranks.items()}}
            for row, ranks in rank_ranges_of(choice)
        ],
        "facts": None
        if choice.facts is None
        else {
            "better": dict(choice.facts.better),
            "values": {name: dict(own) for name, own in choice.facts.values.items()},
            "dominated": {name: dominated(choice, name) for name in choice.models},
        },
    }


# --- parts/comparison/ci.py -------------------------------------------------------------------------------------------

FAILURE, ERROR, SKIPPED, PASSED = "failure", "error", "skipped", "passed"
WAIVED = "undecided, passed by the policy"
OPEN_KINDS = {INCONCLUSIVE: "undecided", NOT_COMPARABLE: "not_comparable", ABSENT: "missing"}


@dataclass(frozen=True, slots=True)
class Case:
    """One benchmark of one candidate as a test: how it ended, of which type, and what is to be said."""

    group: str
    name: str
    ended: str
    kind: str
    message: str


def case_of(row: Row, policy: Policy) -> Case:
    """A row as a test case."""
    verdict = row.verdict
    parts = [verdict]
    if row.delta is not None:
        parts.append(f"{score_cell(row, 1)} against {score_cell(row, 0)}, {delta_cell(row)}, limit {limit_text(row)}")
    message = "; ".join([part for part in (*parts, row_notes(row)) if part])
    way = policy.undecided.get(row.tier, "ask") if verdict == INCONCLUSIVE else "ask"
    if is_gated(row, policy) and (verdict in (NO_GO, REGRESSION) or (way == "fail" and row.blocking)):
        ended = FAILURE
    elif not row.blocking:
        ended = PASSED if verdict == REPORT else SKIPPED
    elif verdict in OPEN_KINDS and way == "ask":
        ended = ERROR
    else:
        ended = PASSED
    kind = "invalid" if row.invalid and verdict == NOT_COMPARABLE else OPEN_KINDS.get(verdict, verdict)
    if ended == PASSED and verdict == INCONCLUSIVE:
        ended, kind, message = SKIPPED, WAIVED, f"{WAIVED}; {message}"
    return Case(f"{row.candidate}.{row.tier}", row.shown or row.label, ended, kind, single_line(message))


def cases_of(decision: Decision) -> list[Case]:
    """All of a decision's rows that its verdict is read off."""
    rows = [row for row in decision.rows if decision.chosen in (None, row.candidate)]
    return [case_of(row, decision.policy) for row in rows]


def junit_xml(title: str, cases: Sequence[Case], warnings: Sequence[str] = ()) -> str:
    """A JUnit document with one suite; warnings about the whole answer are the suite's output."""
    import xml.etree.ElementTree as ET

    count = {ended: str(sum(case.ended == ended for case in cases)) for ended in (FAILURE, ERROR, SKIPPED)}
    totals = {"tests": str(len(cases)), "failures": count[FAILURE], "errors": count[ERROR], "skipped": count[SKIPPED]}
    root = ET.Element("testsuites", totals)
    suite = ET.SubElement(root, "testsuite", {"name": single_line(title), **totals})
    for case in cases:
        names = {"classname": single_line(case.group), "name": single_line(case.name)}
        element = ET.SubElement(suite, "testcase", names)
        if case.ended == PASSED:
            ET.SubElement(element, "system-out").text = case.message
        else:
            said = {"message": case.message} | ({} if case.ended == SKIPPED else {"type": case.kind})
            ET.SubElement(element, case.ended, said)
    if warnings:
        ET.SubElement(suite, "system-out").text = "\n".join(f"warning: {single_line(line)}" for line in warnings)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def annotation(level: str, title: str, message: str) -> str:
    """A workflow command of GitHub Actions: "::error title=my_quiz::NO-GO; 0.600 against 0.750"."""

    def escaped(text: str, more: str = "") -> str:
        for character in "%\r\n" + more:
            text = text.replace(character, f"%{ord(character):02X}")
        return text

    return f"::{level} title={escaped(single_line(title), ':,')}::{escaped(single_line(message))}"


def annotations(title: str, cases: Sequence[Case], warnings: Sequence[str]) -> list[str]:
    """The annotations of a gate: an error for what stops it, a warning for the rest that somebody should see."""
    levels = {FAILURE: "error", ERROR: "error", SKIPPED: "notice"}
    told = [(c, "warning" if c.kind == WAIVED else levels[c.ended]) for c in cases if c.ended in levels]
    lines = [annotation(level, f"{c.name} ({c.kind})", c.message) for c, level in told]
    lines += [annotation("warning", title, warning) for warning in warnings]
    return lines or [annotation("notice", title, f"{len(cases)} benchmarks")]


def stopped_case(error: ScriptError) -> Case:
    """The error that kept a gate from an answer, as a test case."""
    return Case("gate", "gate", ERROR, stop_reason(error), single_line(error))


def stop_reason(error: ScriptError) -> str:
    """What an error is for a program: a choice that somebody has to make, or a failure."""
    return "choose" if error.code == 3 else "failed"


def stopped_json(error: ScriptError) -> dict[str, Any]:
    """The document of --json where a choice is to be made first."""
    return {
        "schema_version": "1",
        "verdict": None,
        "exit_code": error.code,
        "reason": stop_reason(error),
        "message": str(error),
    }


def tell_github(lines: Sequence[str], summary: str) -> None:
    """Print annotations (to stderr: stdout is the answer) and add to the job's summary."""
    for line in lines:
        tell_runner(line)
    place = os.environ.get("GITHUB_STEP_SUMMARY")
    if not place:
        note("note: no GITHUB_STEP_SUMMARY: annotations alone")
        return
    try:
        with Path(place).open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(without_secrets(f"{summary.rstrip()}\n\n"))
    except OSError as error:
        raise ScriptError(f"GITHUB_STEP_SUMMARY {place}: {error.strerror}") from error


# --- parts/comparison/planning.py -------------------------------------------------------------------------------------

SYNTHETIC = 20_000  # items of the made-up pair whose evidence is scaled
CLOSE = 0.1  # of the items just one of two checkpoints of one run gets right
LEAST_SHOWN, STEPS = 0.0005, 12  # of the smallest difference that a benchmark of a given size shows
SUM_SLACK = 1e-9  # what sums of written shares may be off by
ASKED_POINTS = re.compile(
    r"\s*(\d+(?:\.\d+)?|\.\d+)\s*(?:%|pp|(?:percentage\s+)?points?)?\s*", re.ASCII | re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Assumed:
    """Shares of 1. accuracy: of the weaker model; disagreement: of the items that just one gets right; None: a range
    from checkpoints of one run to models whose answers have nothing to do with one another."""

    accuracy: float = 0.7
    disagreement: float | None = None
    power: float = 0.8
    alpha: float = 0.05

    def unrelated(self, difference: float) -> float:
        """The disagreement of two models whose right answers are independent."""
        better = self.accuracy + difference
        return self.accuracy * (1 - better) + better * (1 - self.accuracy)

    def most(self, difference: float) -> float:
        """The largest disagreement that two models of such accuracies can have."""
        both = 2 * self.accuracy + difference
        return min(both, 2 - both)

    def disagreements(self, difference: float) -> list[float]:
        """The least and the largest disagreement to plan for; a difference takes at least as much as itself."""
        ends = [CLOSE, self.unrelated(difference)] if self.disagreement is None else [self.disagreement]
        return sorted({min(max(end, difference), self.most(difference)) for end in ends})


def asked_difference(text: str) -> float:
    """ "2", "2 points", "2 %" -> 0.02."""
    found = ASKED_POINTS.fullmatch(text)
    if not found or not 0 < float(found[1]) < 100:
        raise argparse.ArgumentTypeError(f"{text!r} are no points of 100, such as 2")
    return float(found[1]) / 100


def assumed(words: Sequence[str]) -> Assumed:
    """accuracy=0.7 disagreement=0.2 power=0.9 alpha=0.01, each a share of 1 or a percentage; ScriptError for others."""
    found = Assumed()
    for word in (part for text in words for part in text.split(",") if part):
        name, _, text = word.partition("=")
        if name not in Assumed.__slots__:
            raise ScriptError(f"--assume {word!r}: {nearest(name, Assumed.__slots__) or listing(Assumed.__slots__)}")
        number = re.fullmatch(r"(\d*\.?\d+)(%?)", text, re.ASCII)
        share = float(number[1]) / (100 if number[2] or float(number[1]) > 1 else 1) if number else -1.0
        if not 0 < share < 1:
            raise ScriptError(f"--assume {word!r}: {name} is a share between 0 and 1, such as {name}=0.3")
        found = replace(found, **{name: share})
    return found


def items_for(difference: float, disagreement: float, plan: Assumed) -> int | None:
    """How many items both models answer until so large a difference is shown with the plan's power."""
    import numpy as np

    gains, losses = (round(SYNTHETIC * (disagreement + sign * difference) / 2) for sign in (1, -1))
    pair = np.repeat([1.0, -1.0, 0.0], [gains, losses, SYNTHETIC - gains - losses])
    return items_needed(paired_difference(pair), SYNTHETIC, 0.0, plan.alpha / 2, plan.power)


def smallest_shown(size: int, disagreement: float, plan: Assumed) -> float | None:
    """The smallest difference that a benchmark of so many items shows, as a share; None where not even that to a model
    that has all right."""

    def is_shown(share: float) -> bool:
        needed = items_for(share, min(max(disagreement, share), plan.most(share)), plan)
        return needed is not None and needed <= size

    low, high = LEAST_SHOWN, 1 - plan.accuracy
    if not is_shown(high):
        return None
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if is_shown(middle) else (middle, high)
    return high


def items_plan(
    difference: float, plan: Assumed, benchmarks: Sequence[str], vocabulary: MetricMapping
) -> dict[str, Any]:
    """The document: the items that a difference takes, and which benchmarks have them, with its exit code.

    0 done, and each named benchmark has as many; 1 one has too few by what is assumed; 3 it depends on the models.
    """
    if plan.accuracy + difference >= 1:
        raise ScriptError(
            f"{100 * plan.accuracy:.0f} % and {100 * difference:g} points are 100 % or more: --assume accuracy=0.5"
        )
    if plan.disagreement is not None and plan.disagreement < difference:
        raise ScriptError(
            f"models that disagree on {100 * plan.disagreement:.1f} % do not differ by {100 * difference:g} points"
        )
    if plan.disagreement is not None and plan.disagreement > plan.most(difference) + SUM_SLACK:
        raise ScriptError(
            f"models that are right on {100 * plan.accuracy:g} % and {100 * (plan.accuracy + difference):g} % disagree "
            f"on at most {100 * plan.most(difference):g} %: --assume accuracy=… to go with it"
        )
    rates = plan.disagreements(difference)
    needed = [items_for(difference, rate, plan) for rate in rates]
    if None in needed:
        raise ScriptError(f"no number of items shows {100 * difference:g} points; --items-for 2 is 2 points of 100", 1)
    rows = [{"disagreement": rate, "items": count} for rate, count in zip(rates, needed, strict=True)]
    sizes = named_sizes(benchmarks, vocabulary)
    own = {key: benchmark_answer(size, rates, needed, plan) for key, size in sizes.items()}
    code = max((answer["code"] for answer in own.values()), key=(0, 3, 1).index, default=0)
    enough = [key for key, entry in vocabulary.entries.items() if (entry.get("items") or 0) >= needed[-1]]
    counts = " to ".join(f"{count:,}" for count in needed)
    answer = f"{counts} items, answered by both models, to see {100 * difference:g} points"
    return {
        "answer": answer,
        "exit_code": code,
        "difference": difference,
        "needed": rows,
        "assumed": {name: getattr(plan, name) for name in Assumed.__slots__},
        "benchmarks": own,
        "large_enough": enough,
        "notes": planning_notes(difference, plan, rates),
    }


def named_sizes(benchmarks: Sequence[str], vocabulary: MetricMapping) -> dict[str, int]:
    """How many items the named benchmarks have; ScriptError where that is not known."""
    keys = {name: vocabulary.key(name) for name in benchmarks}
    found = {key: (vocabulary.entries.get(key or "") or {}).get("items") for key in keys.values()}
    if lost := [name for name, key in keys.items() if not found[key]]:
        raise ScriptError(f"how many items there are is not known: {listing(lost)}; leave it out and compare yourself")
    return found


def benchmark_answer(size: int, rates: Sequence[float], needed: Sequence[int], plan: Assumed) -> dict[str, Any]:
    """Whether a benchmark of so many items is large enough, and what it shows."""
    code = 0 if size >= needed[-1] else 1 if size < needed[0] else 3
    return {"items": size, "code": code, "shows": [smallest_shown(size, rate, plan) for rate in rates]}


def planning_notes(difference: float, plan: Assumed, rates: Sequence[float]) -> list[str]:
    """What was assumed, in sentences."""
    notes = [
        f"assumed: both answer the same items, right or wrong; the weaker is right on {100 * plan.accuracy:.0f} %; "
        f"power {100 * plan.power:.0f} % at a two-sided {100 * plan.alpha:.0f} %; just one of them is right on "
        f"{' to '.join(f'{100 * rate:.0f} %' for rate in rates)} of the items"
        + ("" if len(rates) < 2 else " (checkpoints of one run to unrelated models)"),
        "say it better with --assume accuracy=0.7 disagreement=0.2 power=0.9; graded scores or answers of several "
        "samples: measure 100 items of both and read items_needed",
    ]
    if difference < 0.001:
        notes.append(
            f"{100 * difference:g} points of 100 is what was asked; a share of 1 is given in points: 0.02 is 2"
        )
    return notes


def shown_text(shares: Sequence[float | None], accuracy: float) -> str:
    """What a benchmark shows, for people."""
    points = [f"{100 * share:.1f}" for share in shares if share is not None]
    none = f"not even {100 * accuracy:g} % and 100 %" if len(points) < len(shares) else ""
    if not points:
        return f"{none} are told apart by it"
    return f"it shows {' to '.join(points)} points" + (f", of models that disagree more {none}" if none else "")


def planning_text(document: Mapping[str, Any]) -> str:
    """The document for people."""
    lines = [f"{document['answer']}."]
    for row in document["needed"]:
        lines.append(f"  {row['items']:,} items where just one is right on {100 * row['disagreement']:.0f} %")
    said = {0: "enough", 1: "too few", 3: "enough for models that seldom disagree alone"}
    for key, own in document["benchmarks"].items():
        shows = shown_text(own["shows"], document["assumed"]["accuracy"])
        lines.append(f"{key} has {own['items']:,}: {said[own['code']]}; {shows}")
    if document["large_enough"]:
        lines.append(f"As many have: {listing(document['large_enough'], 12)}.")
    else:
        lines.append("No known benchmark has as many: several together, or repeated runs.")
    return "\n".join([*lines, *document["notes"]])


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


# --- parts/comparison/reading.py --------------------------------------------------------------------------------------


def read_policy(path: str | None, vocabulary: MetricMapping) -> Policy:
    """The policy file, or the defaults."""
    if path is None:
        return Policy()
    content, _ = load_yaml(input_text(path, where=f"--policy {path}"), f"--policy {path}")
    return parse_policy(content, f"--policy {path}", lambda name: vocabulary.key(name) or name)


@dataclass(frozen=True, slots=True)
class RecordEntry:
    """A record (or failure entry) with its file, and the model that it is about."""

    path: Path
    record: Mapping[str, Any]
    identity: Identity


def read_record_entries(paths: Iterable[Path]) -> list[RecordEntry]:
    """The records and failure entries in some files."""
    found = []
    for path in progress(list(paths), "reading records"):
        record = read_record(path)
        if record is not None:
            found.append(read_record_entry(path, record))
    return found


def read_record_entry(path: Path, record: Mapping[str, Any]) -> RecordEntry:
    """The entry of a record; ScriptError when it names no model."""
    try:
        identity = identity_of(record)
    except ValueError as error:
        raise ScriptError(f"{path}: unreadable record: {error}; evaluate again") from error
    if not identity.id:
        raise ScriptError(f"{path}: unreadable record: model_info has no id; evaluate again")
    return RecordEntry(path, record, identity)


@dataclass(frozen=True, slots=True)
class AskedModel:
    """What --baseline, --candidate or --aa asks for: records, and which of them count."""

    entries: list[RecordEntry]
    what: str  # the option and its value, for messages
    name: str
    settings: Mapping[str, str] = field(default_factory=dict)
    date: str | None = None


class Library:
    """The records below the folders of --results, read when they are first asked for."""

    def __init__(self, folders: Sequence[str] | None) -> None:
        self.folders = [Path(folder) for folder in folders or ()]
        self.found: list[RecordEntry] | None = None

    def entries(self) -> list[RecordEntry]:
        """All of them."""
        if self.found is None:
            self.found = read_record_entries(record_files(self.folders))
        return self.found

    def lookup(self, source: str, flag: str) -> AskedModel:
        """The records that an option names: a file, a folder, or a model within --results [key=value]@date."""
        what = f"{flag} {source}"
        if entries := self.named(source):
            return AskedModel(entries, what, source)
        name, settings, date = split_selector(source)
        if (settings or date) and (entries := self.named(name)):
            return AskedModel(entries, what, name, settings, date)
        raise ScriptError(f"{what}: {self.why_missing(Path(name), name)}")

    def named(self, source: str) -> list[RecordEntry]:
        """The records of a file, a folder or a model's name."""
        path = Path(source)
        if path.is_file():
            return read_record_entries([path])
        entries = read_record_entries(record_files([path])) if path.is_dir() else []
        if entries or not self.folders:
            return entries
        name = path.name if path.is_dir() else source
        meant = [entry for entry in self.entries() if entry.identity.answers_to(name)]
        exact = [entry for entry in meant if entry.identity.id == name]
        others = model_names([entry.identity for entry in meant if entry.identity.id != name])
        if exact and others:  # whose record is called so decides nothing: anybody's may be
            files = listing((str(entry.path) for entry in exact), 2)
            raise ScriptError(
                f"{single_line(name)}: the id of one model, and short for others; name one of them: "
                f"{listing(others, 5)}; or the files of the one that is called just so: {files}",
                code=3,
            )
        files = {entry.path for entry in meant}
        failed = [entry for entry in self.entries() if entry.record.get("failure") and entry.path not in files]
        return meant + [entry for entry in failed if any(entry.identity.fits(one.identity) for one in meant)]

    def why_missing(self, path: Path, source: str) -> str:
        """What to say, and to try, when nothing is found."""
        if not self.folders:
            if other := other_results(path):
                return f"no record in it; {other}"
            what = "no record in it" if path.exists() else f"no such file or folder{near_place(path)}"
            return f"{what}; a model's name needs --results DIR, the folder with its records"
        models = model_names([entry.identity for entry in self.entries()])
        names = {name for entry in self.entries() for name in (*models, entry.identity.id, entry.identity.checkpoint)}
        return f"no record of it below {listing(map(str, self.folders))}" + (
            nearest(source, names - {""}) or f"; there are: {listing(models, 20)}"
            if models
            else next((f"; {told}" for told in map(other_results, self.folders) if told), ", which holds no records")
        )


def asked_model(asked: AskedModel) -> Identity:
    """The one model of some entries; one that failed says less of it than a record, and is no other model for that."""
    measured = [entry.identity for entry in asked.entries if not entry.record.get("failure")]
    others = (entry.identity for entry in asked.entries if not any(entry.identity.fits(one) for one in measured))
    return one_model([*measured, *others], asked.what, states=True)


class RunReader:
    """Turns records and their samples files into runs; every error names the file."""

    def __init__(self, vocabulary: MetricMapping, policy: Policy, latest: bool = False) -> None:
        self.vocabulary = vocabulary
        self.policy = policy
        self.latest = latest
        self.fields: set[str] = set()  # metadata fields met, to name them when --cluster-by is none of them
        self.clustered = False
        self.left_out: set[str] = set()  # tasks of which --only-items names no item

    def read_model(self, asked: AskedModel) -> ModelRuns:
        """The one state of one model that is asked for; ScriptError when there are several."""
        return self.one_night(asked, self.read_all(asked))

    def read_all(self, asked: AskedModel) -> list[Run]:
        """The runs of all states of the one model that is asked for."""
        asked_model(asked)
        records = [entry for entry in asked.entries if not entry.record.get("failure")]
        if not records:
            found = self.failures(asked.entries)
            told = "; ".join([f"{key}: {failure.error}" for key, failure in found.items()][:5])
            way = conversion_again(found.values()) or "evaluate it again"
            raise ScriptError(f"{asked.what}: all of its {len(asked.entries)} tasks failed ({told}); {way}")
        return runs_with_settings([run for entry in records for run in self.read(entry)], asked.settings)

    def one_night(self, asked: AskedModel, runs: Sequence[Run]) -> ModelRuns:
        """One state of what was read."""
        if not runs:
            wanted = ", ".join(f"{key}={value}" for key, value in asked.settings.items())
            raise ScriptError(f"{asked.what}: none of its results was made with {wanted}")
        runs, notes = one_state(runs, asked.name, asked.what, self.latest, asked.date)
        for line in notes:
            note(f"note: {asked.what}: {line}")
        own = runs[0].identity
        failed = [entry for entry in asked.entries if entry.identity.fits(own)]
        return ModelRuns(own.name, tuple(runs), self.failures(failed), tuple(notes))

    def failures(self, entries: Iterable[RecordEntry]) -> dict[str, TaskFailure]:
        """What failed, by benchmark."""
        found = {}
        for entry in (entry for entry in entries if entry.record.get("failure")):
            record = entry.record
            name = str(mapping_in(record, "eval_library").get("name") or "lighteval")
            key, _ = self.vocabulary.task_key(str(record.get("task")), name)
            error, file = single_line(record.get("error")), single_line(mapping_in(record, "source").get("file") or "")
            found[key] = TaskFailure(error[:200], file if OUTSIDE_RANGE in error else "", str(entry.path))
        return found

    def read(self, entry: RecordEntry) -> list[Run]:
        """A record's results, with their items."""
        runs = []
        cluster_by, most = self.policy.cluster_by, self.policy.max_invalid
        for reading in read_results(entry.path, entry.record, self.vocabulary, most, whole=bool(cluster_by)):
            run: Run | None = with_answers(reading.run, reading.lines, cluster_by, reading.facts)
            run = with_chosen_items(run, self.policy.items) if self.policy.items else run
            if run is None:
                self.left_out.add(reading.run.task)
                continue
            runs.append(run)
            for answer in (answer for repeat in run.repeats for answer in repeat.values()) if cluster_by else ():
                self.fields.update(answer.fields)
                self.clustered = self.clustered or answer.group is not None
        return runs

    def check_clusters(self) -> None:
        """ScriptError when --cluster-by names a field that no item has."""
        wanted = self.policy.cluster_by
        if wanted and wanted != INDEPENDENT and not self.clustered:
            have = sorted(self.fields)
            hint = nearest(wanted, have) or f"; they have: {listing(have, 20) or 'no metadata'}"
            raise ScriptError(f"--cluster-by: no item has {wanted!r} in its metadata{hint}")


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


# [cog.end]

if __name__ == "__main__":
    raise SystemExit(main())
