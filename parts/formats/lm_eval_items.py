"""The lines of an lm-eval samples file as items: what was asked, what was answered, what each metric says of it."""

from __future__ import annotations

import contextlib
import functools
import json
import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from parts.formats.corpus_items import corpus_statistic, item_score
from parts.formats.values import all_texts, bounded_metadata, finite, first, named, part, whole
from parts.formats.vocabulary import AskedItem
from parts.frame import count_in, single_line
from parts.harness.doubts import UNPARSED
from parts.harness.scorers import function_name, lm_eval_metric_row
from parts.private import scrubber

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
