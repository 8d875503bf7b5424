"""lm-eval's filters and metrics over answers, and what is counted beside them."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from parts.frame import ScriptError, natural_key
from parts.harness.doubts import UNPARSED, item_details, likeliest
from parts.harness.lm_eval_records import lm_eval_record, lm_eval_row
from parts.harness.lm_eval_tasks import MetricValues, Reply, TaskDoc, generates
from parts.harness.metric_names import metric_scale
from parts.harness.reasoning import REASONING_TAGS, split_reasoning
from parts.harness.records import json_line, result_named
from parts.harness.scores import aggregation_name, as_number, is_correct, standard_error_of_metric
from parts.harness.seed import seed_everything
from parts.harness.services import all_answered
from parts.harness.settings import Settings
from parts.harness.vocabulary import Engine, MetricScore, Model, Task
from parts.metric_directions import metric_direction
from parts.metric_ranges import METRIC_SCALES
from parts.private import explain


def finished_answer(text: str, stops: Sequence[str], tags: tuple[str, str]) -> str:
    """A generated text as the task's filters get it: no thinking, and nothing from a stop sequence on."""
    _, text = split_reasoning(text, tags)
    for stop in stops:
        text = text.split(stop)[0] if stop else text
    return text


def chosen(metric: str, chances: Sequence[float], choices: Sequence[str]) -> int:
    """The number of the choice that a metric takes for the model's answer."""
    if metric == "acc_norm":
        chances = [chance / max(1, len(choice)) for chance, choice in zip(chances, choices, strict=True)]
    elif metric == "acc_bytes":
        chances = [chance / max(1, len(choice.encode())) for chance, choice in zip(chances, choices, strict=True)]
    return max(range(len(chances)), key=chances.__getitem__)


def item_value(value: Any, function: Callable[..., Any]) -> float:
    """The score of a single item: its value, or for a corpus-level metric that metric on this item alone; else NaN."""
    try:
        if aggregation_name(function) == "mean":
            return as_number(value)
        if isinstance(value, (list, tuple)) and len(value) == 2 and all(hasattr(part, "__index__") for part in value):
            return float(value[0] == value[1])  # the right class and the predicted one
        return float(function([value]))
    except Exception:
        return math.nan


def lm_eval_values(task: Task, replies: Sequence[Reply], settings: Settings) -> list[MetricValues]:
    """lm-eval's filters and metrics on every item, for each repeat; an item that cannot be scored has its error."""
    requests = [request for item in task.docs for request in item.requests]
    times = settings.repeats if generates(task) else 1
    found: dict[tuple[str, str], MetricValues] = {}
    for turn in range(times):
        for request, reply in zip(requests, replies, strict=True):
            each = len(reply.responses) // times
            request.resps = reply.responses[turn * each : (turn + 1) * each]
            request.filtered_resps = {}
        task.source.apply_filters()
        for name in list(requests[0].filtered_resps):
            for metric, measured in score_filter(task, name).items():
                row = found.setdefault((metric, name), MetricValues(metric, name, [], [], []))
                row.values.extend(measured.values)
                row.errors.extend(measured.errors)
                row.extracted.extend(measured.extracted)
    return list(found.values())


def asks(task: Task) -> bool:
    """Whether a task asks one's own questions, and the answers are written."""
    return task.questions is not None and task.questions.written


def score_filter(task: Task, name: str) -> dict[str, MetricValues]:
    """The metrics of all items after one filter."""
    outputs: list[dict[str, Any]] = []
    errors: list[str | None] = []
    extracted = []
    for item in task.docs:
        results = [request.filtered_resps[name] for request in item.requests]
        extracted.append(task.questions.read(item.doc["place"], results[0]) if asks(task) else results[0])
        try:
            refuse_nan(item)
            doc = dict(item.doc) if isinstance(item.doc, dict) else item.doc
            with all_answered():
                output, error = task.source.process_results(doc, results), None
        except Exception as problem:
            output, error = {}, explain(problem)
        outputs.append(output)
        errors.append(error)
    metrics = dict.fromkeys(metric for output in outputs for metric in output)
    return {
        metric: MetricValues(metric, name, [[output.get(metric) for output in outputs]], [errors], [extracted])
        for metric in metrics
    } or {"": MetricValues("", name, [[None] * len(outputs)], [errors], [extracted])}


def refuse_nan(item: TaskDoc) -> None:
    """A model whose log-probabilities are not numbers has no score on an item."""
    for request in item.requests:
        for response in request.resps:
            number = response[0] if isinstance(response, tuple) else response
            if isinstance(number, float) and math.isnan(number):
                raise ScriptError("the model's log-probabilities are not numbers")


def usable_values(measured: MetricValues, function: Callable[..., Any]) -> dict[int, list[Any]]:
    """item -> its values over all repeats, for the items that have one each time."""
    skips_nan = getattr(function, "__name__", "") == "nanmean"
    return {
        index: list(values)
        for index, values in enumerate(zip(*measured.values, strict=True))
        if all(value is not None and not (skips_nan and math.isnan(as_number(value))) for value in values)
    }


def add_up_metric(task: Task, measured: MetricValues, counts: dict[str, str], seed: int) -> MetricScore:
    """The score of a metric over the items that have a value."""
    function = task.source.aggregation().get(measured.metric, statistics.fmean)
    kept = usable_values(measured, function)
    rows = list(kept.values())
    if not rows:
        reason = next((error for errors in measured.errors for error in errors if error), "no value")
        raise ScriptError(f"no item could be scored: {reason}")
    times = len(rows[0])
    if times > 1 and aggregation_name(function) != "mean":
        raise ScriptError(f"--repeats: {measured.metric} is computed over all items at once, not item by item")
    values = [row[0] for row in rows] if times == 1 else [sum(map(as_number, row)) / times for row in rows]
    value = float(function(values))
    if not math.isfinite(value):
        raise ScriptError(f"{measured.name} is {value}: not a score")
    prompts = [task.docs[index].prompt for index in kept]
    error, method = standard_error_of_metric(function, values, seed, prompts)
    items = [item_value(item, function) for item in values]
    unit, low, high = metric_scale(measured.metric, [*(item for item in items if math.isfinite(item)), value])
    if measured.metric == "perplexity":
        unit, low, high = METRIC_SCALES["ppl"]
    better = task.source.higher_is_better().get(measured.metric, True)
    return MetricScore(
        metric=measured.name,
        value=value,
        standard_error=error,
        method=method,
        aggregation=aggregation_name(function),
        lower_is_better=metric_direction(measured.metric) is True or not better,
        unit=unit,
        low=low,
        high=high,
        samples=len(rows),
        details=counts,
    )


def choice_facts_of(task: Task, replies: Sequence[Reply]) -> tuple[list[int], list[float]]:
    """Of items whose choices were weighed: how many each has, and the probability of the likeliest."""
    counts, chances, start = [], [], 0
    for item in task.docs:
        own = replies[start : start + len(item.requests)][: len(item.choices)]
        start += len(item.requests)
        if len(item.choices) > 1 and item.requests[0].request_type == "loglikelihood":
            counts.append(len(item.choices))
            chances.append(likeliest([reply.responses[0][0] for reply in own], item.choices))
    written = [item.question.get("choices") or () for item in task.docs if item.question]
    return counts or list(map(len, written)), chances


def count_replies(task: Task, replies: Sequence[Reply], measured: MetricValues) -> dict[str, str]:
    """How many answers are empty, cut off at the token limit, or hold nothing that the filter could read.

    In attempts, of which there is one for each item and repeat: where a task asks for several texts and votes, as many
    of the attempts as of the texts.
    """
    texts = [text for reply in replies for text in reply.responses] if generates(task) else []
    times, items = len(measured.values), len(task.docs)
    each = max(1, len(texts) // (times * items))
    starts = item_starts(task)
    cut = [any(reply.cut_prompt for reply in replies[i:j]) for i, j in itertools.pairwise(starts)]
    found = [value[0] if isinstance(value, list) and value else value for row in measured.extracted for value in row]
    errors = [error for own in measured.errors for error in own]
    counts = {
        "attempts": len(errors),
        "scored": errors.count(None),
        "empty": math.ceil(sum(not text.strip() for text in texts) / each),
        "truncated": math.ceil(sum(reply.truncated for reply in replies) / each),
        "unparsed": sum(
            value is None if asks(task) else isinstance(value, str) and value == UNPARSED for value in found
        ),
        "unscored": len(errors) - errors.count(None),
        "truncated_prompts": sum(cut) * times,
    }
    return {name: str(count) for name, count in counts.items()}


def item_starts(task: Task) -> list[int]:
    """The place of each item's first reply, and one behind the last."""
    return [0, *itertools.accumulate(len(item.requests) for item in task.docs)]


def metric_rows(
    record: dict[str, Any], task: Task, replies: Sequence[Reply], measured: MetricValues, score: MetricScore
) -> Iterator[str]:
    """The lines of a samples file for one metric, in the order of the data set."""
    result = result_named(record, f"{task.name}/{score.metric}")
    function = task.source.aggregation().get(measured.metric, statistics.fmean)
    starts = item_starts(task)
    order = sorted(range(len(task.docs)), key=lambda index: natural_key(task.docs[index].sample_id))
    times = len(measured.values)
    for turn in range(times):
        for index in order:
            item, error, value = task.docs[index], measured.errors[turn][index], measured.values[turn][index]
            if error is None and value is None:
                continue  # the task gives this item no such metric
            own = replies[starts[index] : starts[index + 1]]
            answer = shown_answer_of(item, own, measured.metric, turn, times)
            found = measured.extracted[turn][index]
            extracted = found if generates(task) and isinstance(found, str) and [found] != answer else None
            extracted = found if asks(task) else extracted
            row = lm_eval_row(record, result, item, answer, extracted)
            number = math.nan if error else item_value(value, function)
            if math.isfinite(number):
                row["evaluation"] = {"score": number, "is_correct": is_correct(number, score)}
            else:
                row["error"] = error or "the metric has no value for a single item"
            if times > 1:
                row["metadata"]["repeat"] = str(turn)
            if error is None:
                row["metadata"] |= likelihood_statistics(value, function)
            yield json_line(row)


def likelihood_statistics(value: Any, function: Callable[..., Any]) -> dict[str, str]:
    """What an item adds to a perplexity: its log-likelihood and its length (1 where the task counts items)."""
    rule = aggregation_name(function)
    parts = (value, 1.0) if rule == "perplexity" else value
    if rule not in ("perplexity", "weighted_perplexity", "bits_per_byte") or len(parts) != 2:
        return {}
    return {"numerator": repr(float(parts[0])), "denominator": repr(float(parts[1]))}


def shown_answer_of(item: TaskDoc, replies: Sequence[Reply], metric: str, turn: int, times: int) -> list[str]:
    """The answer of a sample row: the texts, or the choice that the metric found most likely."""
    kind = item.requests[0].request_type
    if kind == "generate_until":
        each = len(replies[0].responses) // times
        return [str(text) for text in replies[0].responses[turn * each : (turn + 1) * each]]
    if kind == "loglikelihood" and len(item.choices) > 1:
        chances = [reply.responses[0][0] for reply in replies[: len(item.choices)]]
        return [item.choices[chosen(metric, chances, item.choices)]]
    return []


def finished_replies(task: Task, replies: Sequence[Reply], settings: Settings) -> list[Reply]:
    """Replies as the task's filters get them."""
    tags = settings.reasoning_tags or REASONING_TAGS
    stops = [item.stops for item in task.docs for _ in item.requests]
    return [
        replace(reply, responses=[finished_answer(text, stop, tags) for text in reply.responses])
        for reply, stop in zip(replies, stops, strict=True)
    ]


def measure_lm_eval(
    model: Model, task: Task, replies: Sequence[Reply], engine: Engine, settings: Settings, now: int
) -> tuple[dict[str, Any], str]:
    """One model on one task: the record and the text of its samples file."""
    seed_everything(settings.seed)
    answers = finished_replies(task, replies, settings) if generates(task) else replies
    found = lm_eval_values(task, answers, settings)
    facts = item_details([item.prompt for item in task.docs], *choice_facts_of(task, replies))
    scores = [add_up_metric(task, row, count_replies(task, answers, row) | facts, settings.seed) for row in found]
    record = lm_eval_record(model, task, scores, engine, settings, now)
    pairs = zip(found, scores, strict=True)
    lines = [line for row, score in pairs for line in metric_rows(record, task, replies, row, score)]
    return record, "".join(lines)
