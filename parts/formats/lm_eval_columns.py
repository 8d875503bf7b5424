"""Many lines of an lm-eval samples file at once, where they are plain: one written answer, or choices with one prompt.

Takes some lines, gives their items as columns, or None where a line is not plain in any way: `lm_eval_item` then reads
them one by one, whose items these always are. A plain line of multiple choice has its prompt as often as there are
choices. It is cut out with all the requests, and parsed once; what is left of the line is parsed as any line.
"""

from __future__ import annotations

import io
import itertools
import math
import operator
import secrets
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from parts.formats.files import is_json_list, json_lines, line_blocks, parsed_lines
from parts.formats.lm_eval_items import (
    BY_LENGTH,
    LM_EVAL_RATIOS,
    QUESTION_FIELDS,
    LmEvalTask,
    likeliest_choice,
    lm_eval_id,
    lm_eval_item,
    lm_eval_metadata,
    lm_eval_question,
    lm_eval_references,
)
from parts.formats.values import LONGEST_METADATA, bounded_metadata
from parts.formats.vocabulary import AskedItem, PlainItems
from parts.frame import single_line
from parts.inputs import MOST_OF_LINE, allowed, json_values


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
