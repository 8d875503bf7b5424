"""The options of evaluation_manager's commands: one function for each group that several commands share."""

from __future__ import annotations

import argparse
from pathlib import Path

from parts.frame import positive
from parts.outputs import FORCE_HELP
from parts.own_vocabulary import add_mapping_option


def add_card_arguments(parser: argparse.ArgumentParser) -> None:
    add_target_arguments(parser)
    parser.add_argument("--revision", metavar="REV", help="branch, tag, commit or refs/pr/N on the Hub")


def add_target_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--repo-id", metavar="OWNER/NAME", help="the model; without --card its README.md is read from the Hub"
    )
    parser.add_argument(
        "--card", type=Path, metavar="FILE", help="a card on disk, .eval_results beside it; the Hub is not asked"
    )
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")


def add_inspect_arguments(inspect: argparse.ArgumentParser) -> None:
    add_card_arguments(inspect)
    inspect.add_argument("--table", type=int, action="append", metavar="N", help="show table N (repeat for several)")
    inspect.add_argument("--around", action="store_true", help="also show the text before and after each table")
    inspect.add_argument(
        "--draft", action="store_true", help="print a selection to edit, for extract-readme --selection"
    )
    inspect.add_argument(
        "--output", type=Path, metavar="FILE", help="write --draft or --json there instead of to stdout"
    )
    inspect.add_argument("--force", action="store_true", help=FORCE_HELP)


def add_pick_arguments(parser: argparse.ArgumentParser) -> None:
    """What of a card is this model's, said by hand."""
    parser.add_argument("--table", type=int, action="append", metavar="N", help="take table N (repeat for several)")
    parser.add_argument(
        "--selection",
        type=Path,
        metavar="FILE",
        help="readings of several tables (YAML; - is a pipe): inspect-tables --draft",
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--model-column-index", type=int, metavar="I", help="the model's grid column, from 0")
    which.add_argument("--model-row-index", type=int, metavar="I", help="the model's body row, from 0")
    parser.add_argument(
        "--model-name-override", metavar="TEXT", help="exact header or row label, with or without its markup"
    )
    parser.add_argument("--force-table", action="store_true", help="read --table N although it is no evaluation table")


def add_extract_arguments(extract: argparse.ArgumentParser) -> None:
    add_card_arguments(extract)
    add_pick_arguments(extract)
    extract.add_argument("--all-tables", action="store_true", help="take every evaluation table that has the model")
    extract.add_argument(
        "--metric", action="append", metavar="KEY=NAME", help="the metric of a benchmark where the card does not say it"
    )
    extract.add_argument("--dataset-name", metavar="NAME", help="one data set name for all entries of the YAML")
    extract.add_argument(
        "--output", type=Path, metavar="FILE", help="write there instead of to stdout; FILE.json holds the plan, too"
    )
    extract.add_argument("--force", action="store_true", help=FORCE_HELP)
    add_format_arguments(extract)
    extract.set_defaults(task_type=None)  # the card's pipeline_tag, else text-generation
    add_write_arguments(extract)


def add_import_arguments(parser: argparse.ArgumentParser) -> None:
    add_target_arguments(parser)
    parser.add_argument("--creator-slug", metavar="SLUG", help="who made the model, as the API spells it")
    parser.add_argument("--model-name", metavar="NAME", help="the model's name or slug in the API")
    parser.add_argument("--list", action="store_true", help="show the creators and models that the API has")
    add_replay_arguments(parser)
    parser.add_argument("--output", type=Path, metavar="FILE", help="save the plan for `apply`")
    parser.add_argument("--force", action="store_true", help=FORCE_HELP)
    add_format_arguments(parser)
    add_write_arguments(parser)


def add_replay_arguments(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--save-raw-json", type=Path, metavar="FILE", help="keep the API's answer")
    which.add_argument("--input-json", type=Path, metavar="FILE", help="take a kept answer: no key, no request to it")


def add_records_arguments(parser: argparse.ArgumentParser) -> None:
    add_target_arguments(parser)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--results", nargs="+", metavar="PATH", help="records, or folders searched for them")
    told = 'a number that was published and not measured here: "HumanEval pass@1=84.1"'
    which.add_argument("--value", action="append", metavar="NAME=NUMBER", help=told)
    parser.add_argument("--source", metavar="URL", help="with --value: where it is published")
    parser.add_argument("--model-id", metavar="ID", help="take the records of this model_info.id")
    parser.add_argument("--benchmark", action="append", metavar="K", help="only this benchmark (repeat for several)")
    parser.add_argument("--allow-partial", action="store_true", help="also take scores of a part of the items")
    parser.add_argument(
        "--allow-invalid", action="store_true", help="also take scores that contradict their items, ..."
    )
    parser.add_argument("--latest", action="store_true", help="of a model measured at several times, the last one")
    add_mapping_option(parser.add_argument)
    parser.add_argument("--output", type=Path, metavar="FILE", help="save the plan for `apply`")
    parser.add_argument("--force", action="store_true", help=FORCE_HELP)
    add_format_arguments(parser)
    add_write_arguments(parser)


def add_batch_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--repo-ids", type=Path, metavar="FILE", help="a file with one OWNER/NAME in each line")
    parser.add_argument("--trending", type=positive, metavar="N", help="the N trending text-generation models")
    parser.add_argument("--author", metavar="NAME", help="all models of a user or organization")
    parser.add_argument("--benchmarks", metavar="K,...", help="only these benchmarks")
    parser.add_argument("--from", dest="sources", default="card", metavar="card,aa", help="sources (default: card)")
    add_replay_arguments(parser)
    parser.add_argument("--output-dir", default="batch", metavar="D", help="records, plans, summary (default: batch)")
    parser.add_argument("--resume", action="store_true", help="go on with the batch in --output-dir")
    parser.add_argument("--workers", type=positive, default=8, metavar="N", help="models at a time (default: 8)")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    add_format_arguments(parser)
    parser.add_argument("--create-pr", action="store_true", help="open pull requests for what is new")
    parser.add_argument("--max-prs", type=positive, default=5, metavar="N", help="at most N of them (default: 5)")
    parser.add_argument("--token-file", metavar="FILE", help="read the Hub token from FILE")
    parser.add_argument("--dry-run", action="store_true", help="open none; the default")


def add_format_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--task-type",
        default="text-generation",
        help="the Hub's task (default: a card's pipeline_tag, else text-generation)",
    )
    parser.add_argument(
        "--format",
        choices=("model-index", "eval-results", "both"),
        default="both",
        help="card metadata, .eval_results files, or both where the benchmark has a Hub dataset (default: both)",
    )
    add_scale_argument(parser)


def add_scale_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--counts-as",
        action="append",
        metavar="NAME=S",
        help="answer to a result whose Benchmark is not certain: NAME=OWNER/DATASET:TASK, or NAME=none leaves it out",
    )
    parser.add_argument(
        "--own-harness",
        action="append",
        metavar="NAME",
        help="this result, or all, was measured with the Benchmark's own harness (SWE-bench, ...)",
    )
    parser.add_argument(
        "--scale",
        action="append",
        metavar="[KEY=]S",
        help="answer to a value that does not fit the leaderboard: percent or proportion converts it, as-is keeps it",
    )


def add_write_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--apply", action="store_true", help="write: to --card FILE, else to the Hub's main branch")
    parser.add_argument("--create-pr", action="store_true", help="open a pull request")
    parser.add_argument("--update-pr", type=positive, metavar="N", help="commit to pull request N instead")
    parser.add_argument("--allow-duplicate-pr", action="store_true", help="although one with evaluations is open")
    parser.add_argument("--again", action="store_true", help="although your pull request with the same was closed")
    parser.add_argument("--replace", action="store_true", help="take the new value where another one is there")
    parser.add_argument(
        "--beside",
        action="append",
        metavar="NAME",
        help="this result, or all, is another one than that which is there: write it beside",
    )
    parser.add_argument("--commit-message", metavar="TEXT", help="instead of the one made from the plan")
    parser.add_argument("--token-file", metavar="FILE", help="read the Hub token from FILE")
    parser.add_argument("--dry-run", action="store_true", help="write nothing; the default, but of `apply`")
