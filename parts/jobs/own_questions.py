"""Files of one's own questions that travel with a job: checked by line here, before anything is paid for.

Takes the command line of a submission; gives the words for the evaluation script, the files with their hashes, and how
many items a set has, for the estimate. The client puts each file into the private bucket of the account's jobs.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from parts.frame import ScriptError, single_line, slug
from parts.harness.questions import read_questions
from parts.hashes import file_sha256
from parts.inputs import shown_size
from parts.jobs.tasks import ITEMS
from parts.jobs.vocabulary import task_key
from parts.repo_files import RepoFile, refuse_tokens

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
