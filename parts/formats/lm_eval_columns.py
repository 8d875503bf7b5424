"""Many lines of an lm-eval samples file at once, where they are plain: multiple choice with one prompt for all choices.

Takes some lines, gives their items as columns, or None where a line is not plain in any way: `lm_eval_item` then reads
them one by one, whose items these always are. A plain line has its prompt as often as there are choices. It is cut out
with all the requests, and parsed once; what is left of the line is parsed as any line.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Iterator, Sequence
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
from parts.formats.vocabulary import AskedItem, PlainItems
from parts.inputs import json_values


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
    tries = 0 if task.generative else MOST_TRIES
    for place, lines in line_blocks(path, *span):
        items = plain_items(lines, task, own_ids) if tries else None
        if items is None:
            tries = max(0, tries - 1)
            yield from (lm_eval_item(row, task, own_ids) for row in parsed_lines(path, place, lines))
        else:
            yield items


def plain_items(lines: Sequence[bytes], task: LmEvalTask, own_ids: bool) -> PlainItems | None:
    """The items of some lines as columns; None where one of them is not plain."""
    try:
        form = next((form for form in FORMS if form.first in lines[0]), None)
        return None if form is None else columns_of(lines, form, task, own_ids)
    except NOT_PLAIN:
        return None


def columns_of(lines: Sequence[bytes], form: RequestForm, task: LmEvalTask, own_ids: bool) -> PlainItems | None:
    """As plain_items; one of NOT_PLAIN, too, where a line is not plain."""
    import orjson

    mark = secrets.token_hex(16)  # cannot stand in a line
    opening = b'"arguments":["%b","' % mark.encode()
    shorter, prompts, sizes = zip(*[without_requests(line, form, opening) for line in lines], strict=True)
    rows, prompts, sizes = json_values(b"".join(shorter)), [*map(orjson.loads, prompts)], [*sizes]
    choices = [row["arguments"] for row in rows or ()]
    if {texts.pop(0) for texts in choices} != {mark} or {*map(type, prompts)} != {str}:
        return None
    chances = [[float(reply[0]) for reply in row["filtered_resps"] if type(reply) is list] for row in rows]
    whole = sizes == [*map(len, choices)] == [*map(len, chances)] == [len(row["filtered_resps"]) for row in rows]
    (used,) = {row.get("filter") for row in rows}
    scores, lengths = task.scores_behind(used if used is None or isinstance(used, str) else "")
    if not whole or min(sizes) < 2 or lengths or not scores or not all(map(math.isfinite, map(sum, chances))):
        return None
    docs = [row["doc"] for row in rows]
    values = {score: numbers([row[metric] for row in rows]) for score, metric in scores.items()}
    if not ODD_METRICS.isdisjoint(scores.values()) or {*map(type, docs)} != {dict}:
        return None
    raws = questions(docs, prompts, task)
    told = [name for name in docs[0] if name not in QUESTION_FIELDS]
    same = {*map(tuple, docs)} == {tuple(docs[0])} and all([doc[name] for doc in docs] == raws for name in told)
    delimiter, replies = str(task.config.get("target_delimiter", " ")), [*zip(chances, choices, strict=True)]
    taken = {"": [[texts[own.index(max(own))]] for own, texts in replies]}
    for metric in BY_LENGTH.intersection(scores.values()):
        taken[metric] = [[likeliest_choice(own, texts, metric, delimiter)] for own, texts in replies]
    return PlainItems(
        ids=[lm_eval_id(row, doc, task, own_ids) for row, doc in zip(rows, docs, strict=True)],
        raws=raws,
        references=[lm_eval_references(row.get("target"), texts) for row, texts in zip(rows, choices, strict=True)],
        choices=choices,
        prompts=prompts,
        values=values,
        shown={score: taken[metric if metric in BY_LENGTH else ""] for score, metric in scores.items()},
        chances=None if task.config.get("process_results") else chances,
        metadata=[{} if same else lm_eval_metadata(doc, raw, task) for doc, raw in zip(docs, raws, strict=True)],
    )


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
    if own or between == ["", ""]:  # the task's prompt is a field's value, without a word around it
        raws = [doc.get(template if own else fields[0]) for doc in docs]
        if {*map(type, raws)} == {str}:
            return raws
    return [lm_eval_question(doc, task, prompt) for doc, prompt in zip(docs, prompts, strict=True)]
