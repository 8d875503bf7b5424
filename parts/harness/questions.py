"""One's own questions: a file of them read, checked line by line, and asked in one form in every harness.

Takes a JSONL, CSV or parquet file and the options of the command line; gives a QuestionSet: items and examples with
what is right, how answers are scored, and for each item the text or the turns of a chat that a model gets. What is
wrong with the file ends with exit code 1 and the numbers of its lines, before anything is asked.
"""

from __future__ import annotations

import argparse
import collections
import hashlib
import json
import re
import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from parts.frame import ScriptError, listing, note, print_data, single_line, slug
from parts.harness.answers import DECIMAL_COMMA, LETTERS, SCORINGS, number_value, score_answer
from parts.harness.question_rows import ROLES, Problems, Read, field_names, question_rows, read_row
from parts.harness.vocabulary import Dataset, Task, TaskRequest
from parts.hashes import file_sha256
from parts.inputs import field_map
from parts.private import shown_path

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
