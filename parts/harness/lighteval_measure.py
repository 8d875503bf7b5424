"""Measuring one model on one lighteval task: answers, metrics, rows."""

from __future__ import annotations

import itertools
import math
import types
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any

from parts.frame import ScriptError, natural_key
from parts.harness.doubts import item_details, likeliest
from parts.harness.lighteval_records import lighteval_record, lighteval_row
from parts.harness.metric_names import metric_scale
from parts.harness.reasoning import REASONING_TAGS
from parts.harness.records import json_line, result_named
from parts.harness.scores import aggregation_name, as_number, is_correct, standard_error_of_metric
from parts.harness.seed import seed_everything
from parts.harness.settings import Settings
from parts.harness.vocabulary import Engine, MetricScore, Model, Scored, Task
from parts.metric_directions import metric_direction
from parts.private import explain


def final_texts(responses: Sequence[Any], tags: tuple[str, str]) -> None:
    """Set what is scored of each answer: its text without what stands between the reasoning tags."""
    from lighteval.utils.utils import remove_reasoning_tags

    for response in responses:
        response.text_post_processed = [remove_reasoning_tags(text, [tags]) for text in response.text]


def lighteval_values(task: Task, docs: list[Any], answers: dict[Any, list[Any]]) -> list[Scored]:
    """lighteval's metrics on every item; an item that cannot be scored is left with its error."""
    scored = []
    for method, responses in answers.items():
        metrics = [metric for metric in task.source.metrics if metric.category == method]
        outputs, errors = apply_metrics(metrics, docs, responses)
        for name in dict.fromkeys(name for output in outputs for name in output):
            metric = next(metric for metric in metrics if name == metric.metric_name or name in metric.metric_name)
            scored.append(Scored(name, metric, responses, [output.get(name) for output in outputs], errors))
    return scored


def apply_metrics(
    metrics: list[Any], docs: list[Any], responses: list[Any]
) -> tuple[list[dict[str, Any]], list[str | None]]:
    """A value per metric for each item, or {} and the reason."""
    from lighteval.metrics import apply_metric

    errors: list[str | None] = [
        "the model's log-probabilities are not numbers" if any(map(math.isnan, response.logprobs)) else None
        for response in responses
    ]
    good = [index for index, error in enumerate(errors) if error is None]
    outputs: list[dict[str, Any]] = [{} for _ in docs]
    try:
        values = apply_metric([responses[i] for i in good], [docs[i] for i in good], metrics) if good else []
        for index, value in zip(good, values, strict=True):
            outputs[index] = value
    except Exception:  # one bad item spoils the batch: score them one by one and keep its error
        for index in good:
            try:
                outputs[index] = apply_metric([responses[index]], [docs[index]], metrics)[0]
            except Exception as error:
                errors[index] = explain(error)
    for index, output in enumerate(outputs):
        if any(not math.isfinite(as_number(value)) for value in output.values()):
            outputs[index], errors[index] = {}, "the metric gave no finite number"
    return outputs, errors


def add_up(
    task: Task, scored: Scored, docs: list[Any], engine: Engine, seed: int, prompts: list[str]
) -> list[MetricScore]:
    """The score of a metric over the items that have a value."""
    values = [value for value in scored.values if value is not None]
    if not values:
        raise ScriptError(f"no item could be scored: {next(filter(None, scored.errors), 'no value')}")
    function = over_all_items(task.source.aggregation()[scored.name])
    result = function(values)
    own = [prompt for prompt, value in zip(prompts, scored.values, strict=True) if value is not None]
    error, method = (None, "") if isinstance(result, dict) else standard_error_of_metric(function, values, seed, own)
    details = count_answers(scored, docs, engine) | item_details(own, *choice_facts(scored, docs))
    scores = []
    for name, value in (result if isinstance(result, dict) else {scored.name: result}).items():
        numbers = [as_number(item) for item in values]
        unit, low, high = metric_scale(name, [*numbers, float(value)])
        better = scored.metric.higher_is_better
        better = better.get(name, True) if isinstance(better, dict) else better
        if not math.isfinite(value):
            raise ScriptError(f"{name} is {value}: not a score")
        scores.append(
            MetricScore(
                metric=name,
                value=float(value),
                standard_error=error,
                method=method,
                aggregation=aggregation_name(function),
                lower_is_better=metric_direction(name) is True or not better,
                unit=unit,
                low=low,
                high=high,
                samples=len(values),
                details=details,
            )
        )
    return scores


def over_all_items(function: Callable[..., Any]) -> Callable[..., Any]:
    """lighteval's rule for a corpus; its chrF, chrF++ and TER over all answers.

    lighteval hands sacrebleu each item's references as a further set of references for the items in their order, so
    that sacrebleu scores the first answer alone, against the references of all.
    """
    owner = getattr(function, "__self__", None)
    if getattr(owner, "metric_type", None) not in ("chrf", "chrf++", "ter"):
        return function
    return types.MethodType(translation_score, owner)


def translation_score(rule: Any, items: Sequence[Any]) -> float:
    """sacrebleu's score of the first answer of each item, by all references that it has."""
    said = [item.preds[0] if isinstance(item.preds, list) else item.preds for item in items]
    golds = [[item.golds] if isinstance(item.golds, str) else item.golds for item in items]
    return float(rule.get_metric().corpus_score(said, list(itertools.zip_longest(*golds))).score)


def choice_facts(scored: Scored, docs: list[Any]) -> tuple[list[int], list[float]]:
    """Of items whose choices were weighed: how many each has, and the probability of the likeliest."""
    rows = [
        (doc.choices, response.logprobs[: len(doc.choices)])
        for doc, response in zip(docs, scored.responses, strict=True)
        if len(doc.choices or []) > 1 and len(response.logprobs or []) >= len(doc.choices)
    ]
    asked = [doc.specific for doc in docs if isinstance(doc.specific, dict) and "question" in doc.specific]
    counted = [own["choices"] for own in asked] or [choices for choices, _ in rows]
    return list(map(len, counted)), [likeliest(chances, choices) for choices, chances in rows]


def count_answers(scored: Scored, docs: list[Any], engine: Engine) -> dict[str, str]:
    """How many answers are empty, cut off at the token limit, or hold nothing that the metric could read.

    Of an item's several samples each is its part of the item's answer.
    """
    generative = str(getattr(scored.metric.category, "value", "")) == "GENERATIVE"
    pairs = list(zip(docs, scored.responses, strict=True))
    blank = [[not text.strip() for text in response.final_text] or [True] for _, response in pairs]
    ended = [cut_answers(doc, response, engine.model) or [False] for doc, response in pairs]
    empty, cut = (
        math.ceil(sum(Fraction(sum(own), len(own)) for own in rows)) if generative else 0 for rows in (blank, ended)
    )
    found = [(doc.specific or {}).get("extracted_predictions") for doc in docs if isinstance(doc.specific, dict | None)]
    counts = {"attempts": len(scored.errors), "scored": sum(error is None for error in scored.errors)}
    counts |= {"empty": empty, "truncated": cut, "unparsed": sum(item == [] for item in found)}
    counts["unscored"] = sum(error is not None for error in scored.errors)
    counts["truncated_prompts"] = sum(is_cut_prompt(response, engine.model) for response in scored.responses)
    return {name: str(count) for name, count in counts.items()}


def cut_answers(doc: Any, response: Any, model: Any) -> list[bool]:
    """Of each sample whether it ended at the token limit and not at a stop sequence or the end-of-text token."""
    stops = [stop for stop in doc.stop_sequences or [] if stop]
    room = max(1, model.max_length - len(response.input_tokens))  # what the context leaves for the answer
    limit = min(doc.generation_size or room, room)
    found = []
    for tokens in response.output_tokens:
        tokens = tokens.tolist() if hasattr(tokens, "tolist") else list(tokens)
        at_limit = len(tokens) >= limit and model.tokenizer.eos_token_id not in tokens
        found.append(at_limit and not any(stop in model.tokenizer.decode(tokens) for stop in stops))
    return found


def is_cut_prompt(response: Any, model: Any) -> bool:
    """Whether a prompt and its longest choice, or one token of an answer, do not fit the model's context."""
    if not response.logprobs:
        return len(response.input_tokens) - (response.padded_tokens_count or 0) >= model.max_length
    longest = max((len(tokens) for tokens in response.output_tokens), default=0)
    return bool(longest) and len(response.input_tokens) + longest > model.max_length + 1


def shown_answer(scored: Scored, doc: Any, response: Any) -> list[str]:
    """The answer of a sample row: the text, or the choice that the metric found most likely."""
    if response.text:
        return list(response.text)
    choices = [str(choice) for choice in doc.choices or []]
    chances = response.logprobs[: len(choices)]
    rule = getattr(scored.metric.sample_level_fn, "logprob_normalization", None)
    if hasattr(scored.metric.sample_level_fn, "chosen") and chances:
        return [choices[scored.metric.sample_level_fn.chosen(chances, choices)]]
    if rule and len(response.logprobs) == len(choices):
        from lighteval.metrics.normalizations import normalize_log_probs

        chances = normalize_log_probs(rule, chances, None, choices, response.output_tokens)
    return [choices[max(range(len(chances)), key=chances.__getitem__)]] if len(choices) > 1 and chances else []


def lighteval_rows(
    record: dict[str, Any], task: Task, docs: list[Any], scored: Scored, score: MetricScore, prompts: list[str]
) -> Iterator[str]:
    """The lines of a samples file for one metric, in the order of the data set."""
    result = result_named(record, f"{task.name}/{score.metric}")
    order = sorted(range(len(docs)), key=lambda index: natural_key(task.sample_ids[index]))
    for index in order:
        doc, response, error = docs[index], scored.responses[index], scored.errors[index]
        sample = task.sample_ids[index], doc, prompts[index]
        row = lighteval_row(record, result, sample, shown_answer(scored, doc, response), error)
        if error is None:
            value = as_number(scored.values[index])
            row["evaluation"] = {"score": value, "is_correct": is_correct(value, score)}
        yield json_line(row)


def measure_lighteval(
    model: Model,
    task: Task,
    docs: list[Any],
    answers: dict[Any, list[Any]],
    engine: Engine,
    settings: Settings,
    now: int,
) -> tuple[dict[str, Any], str]:
    """One model's answers to one task: the record and the text of its samples file."""
    seed_everything(settings.seed)
    for responses in answers.values():
        final_texts(responses, settings.reasoning_tags or REASONING_TAGS)
    scored = lighteval_values(task, docs, dict(sorted(answers.items(), key=lambda pair: str(pair[0]))))
    prompts = [engine.model.prompt_manager.prepare_prompt(doc) for doc in docs]
    scores = [(row, score) for row in scored for score in add_up(task, row, docs, engine, settings.seed, prompts)]
    if not scores:
        raise ScriptError("the task has no metric")
    record = lighteval_record(model, task, scores, engine, settings, now)
    kept = [(row, score) for row, score in scores if row.name == score.metric]
    lines = [line for row, score in kept for line in lighteval_rows(record, task, docs, row, score, prompts)]
    return record, "".join(lines)
