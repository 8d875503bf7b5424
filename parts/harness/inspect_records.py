"""Records and samples of inspect's logs."""

from __future__ import annotations

import json
import os
import re
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from parts.formats.inspect_items import InspectAsked, inspect_item
from parts.formats.inspect_scores import LogScore, inspect_scorer, reducers_said
from parts.formats.records import item_metadata
from parts.formats.values import as_detail, whole
from parts.formats.vocabulary import AskedItem, Counts, ScoreRead
from parts.frame import ScriptError
from parts.harness.doubts import item_details
from parts.harness.inspect_log import (
    answer_is_blank,
    answer_text,
    asked_messages,
    completion,
    content_text,
    error_line,
    item_error,
    log_items,
    log_metrics,
    prompt_text,
    usage_of,
)
from parts.harness.inspect_vocabulary import LogItem, LogMetric, Prices, RunFacts
from parts.harness.questions import question_details
from parts.harness.records import generation_block, json_line, metric_result, run_record, sample_line, single_turn
from parts.harness.scorers import scorer_texts
from parts.harness.scores import standard_error_of_metric
from parts.harness.settings import Settings
from parts.harness.vocabulary import MetricScore, Task
from parts.names import INSPECT_METRICS, PACKAGES_VARIABLE
from parts.private import scrub, shown_path
from parts.records.schema import strings

LOW_WORDS = {"perplexity", "ppl", "wer", "cer", "ter", "loss", "bias"}  # first word of metrics that should be low


def log_shots(log: Mapping[str, Any]) -> int | None:
    """The number of examples in the prompt, where the task says it: in its arguments, its metadata or its name."""
    given = {**(log["eval"].get("task_args") or {}), **(log["eval"].get("metadata") or {})}
    for name in ("fewshot", "few_shot", "num_fewshot", "n_shots", "num_shots"):
        if isinstance(given.get(name), int) and not isinstance(given.get(name), bool):
            return int(given[name])
    match = re.search(r"_(\d{1,2})_?shot", log["eval"]["task"])
    return int(match[1]) if match else None


def inspect_generation(log: Mapping[str, Any], facts: RunFacts) -> dict[str, Any]:
    """The generation_config of a record: what the log says was in force."""
    config, plan = (log.get("plan") or {}).get("config") or {}, (log.get("plan") or {}).get("steps") or []
    arguments = {name: config.get(name) for name in ("temperature", "top_p", "top_k", "max_tokens")}
    sandbox = log["eval"].get("sandbox") or {}
    details = {
        "few_shot": log_shots(log),
        "seed": config.get("seed"),
        "system_prompt": config.get("system_message"),
        "repeats": log["eval"]["config"].get("epochs"),
        "epochs_reducer": as_detail(reducers_said(log["eval"]["config"])),
        "solver": ", ".join(str(step.get("solver")) for step in plan) or None,
        "sandbox": sandbox.get("type"),
        "limit": log["eval"]["config"].get("limit"),
        **facts.generation,
    }
    return generation_block(arguments, details)


def asked_items(log: Mapping[str, Any], metric: LogMetric, items: Sequence[LogItem]) -> list[AskedItem]:
    """The items with what became of each attempt at them, as a conversion of the log would read them."""
    spec, score = log["eval"], ScoreRead(metric.label, metric.label, metric.number, None)
    asked = InspectAsked(None, str(spec.get("model")), whole((spec.get("config") or {}).get("epochs")) or 1)
    wanted = [LogScore(score, metric.scorer, metric.key, None)]
    return [inspect_item(item.runs, item.name, wanted, asked) for item in items]


def attempt_details(metric: LogMetric, asked: Sequence[AskedItem], items: Sequence[LogItem]) -> dict[str, str]:
    """What became of the attempts at a metric's items; `filtered`: those that a provider's filter ended."""
    counts, values = Counts(), metric.values or [0.0] * len(items)
    share = max((value for value in values if value is not None), default=1.0) <= 1.0
    for item, value in zip(asked, values, strict=True):
        if value is not None or not metric.group:
            counts.add(item, metric.label, 0.0 if share else None)
    filtered = sum(completion(run).get("stop_reason") == "content_filter" for item in items for run in item.runs)
    return strings({**counts.details, "filtered": filtered})


def scorer_details(log: Mapping[str, Any], metric: LogMetric) -> dict[str, Any]:
    """Who scored, with settings: as a conversion of the log would say it."""
    rows = (log.get("results") or {}).get("scores") or []
    row = next((row for row in rows if row.get("scorer") == metric.scorer), {})
    return scorer_texts(inspect_scorer(log, row, metric.scorer))


def inspect_result(
    log: Mapping[str, Any],
    facts: RunFacts,
    metric: LogMetric,
    items: Sequence[LogItem],
    asked: Sequence[AskedItem],
    prompts: Sequence[str],
) -> Any:
    """One evaluation_result: the mean recomputed from the items where the metric is one, else the log's number."""
    values = [value for value in metric.values or () if value is not None]
    own = [prompt for prompt, value in zip(prompts, metric.values or (), strict=False) if value is not None]
    choices = [len(item.runs[0].get("choices") or ()) for item in items] if facts.questions else []
    value = sum(values) / len(values) if values else metric.number
    unit, low, high = inspect_scale([*values, value])
    shots = log_shots(log)
    name = f"{facts.title}:{metric.group}" if metric.group else facts.title
    score = MetricScore(
        metric=metric.label,
        value=value,
        standard_error=standard_error_of_metric(statistics.fmean, values, 0, own)[0],
        method="analytic",
        aggregation="mean" if values else metric.label,
        lower_is_better=metric.label.split("_")[0] in LOW_WORDS,
        unit=unit,
        low=low,
        high=high,
        samples=len(values) or sum(item_error(item) is None for item in items),
        details=attempt_details(metric, asked, items) | item_details(own, choices),
    )
    names = f"{name}{'' if shots is None else f'|{shots}'}/{metric.label}", name
    metric_id = INSPECT_METRICS.get(metric.label, metric.label)
    generation = inspect_generation(log, facts)
    more = question_details(facts.questions) | scorer_details(log, metric)
    return metric_result(names, metric_id, score, facts.source, generation, **more)


def inspect_scale(values: Sequence[float]) -> tuple[str, float | None, float | None]:
    """Unit, lowest and highest value of one of inspect's metrics: a proportion when all values lie in 0..1."""
    return ("proportion", 0.0, 1.0) if all(0.0 <= value <= 1.0 for value in values) else ("points", None, None)


def usage_facts(log: Mapping[str, Any], prices: Prices | None) -> dict[str, Any]:
    """Tokens of a run and, when the prices are known, what they cost in US dollars."""
    usage = usage_of(((log.get("stats") or {}).get("model_usage") or {}).values())
    if prices is None or not usage:
        return dict(usage)
    cost = (usage.get("input_tokens", 0) * prices.input + usage.get("output_tokens", 0) * prices.output) / 1e6
    return {
        **usage,
        "cost_usd": f"{cost:.6f}",
        "usd_per_million_input_tokens": prices.input,
        "usd_per_million_output_tokens": prices.output,
    }


def inspect_record(log: Mapping[str, Any], facts: RunFacts, now: int) -> tuple[dict[str, Any], str]:
    """A record without its reference to the samples file, and the text of that file.

    `log` is inspect's log as JSON. ScriptError when it is not a finished one or no item could be scored.
    """
    if log.get("status") != "success":
        raise ScriptError(log_error(log) if log.get("status") == "error" else f"inspect says {log.get('status')}")
    items = log_items(log, facts.split)
    metrics = log_metrics(log, items)
    if not metrics:
        raise ScriptError(f"no item could be scored: {next(filter(None, map(item_error, items)), 'no score')}")
    spec = log["eval"]
    library = {
        **facts.library,
        "task": facts.task,
        "task_version": spec.get("task_version"),
        "task_arguments": json.dumps(spec.get("task_args"), sort_keys=True) if spec.get("task_args") else None,
        **usage_facts(log, facts.prices),
    }
    block = {
        "name": "inspect_ai",
        "version": str((spec.get("packages") or {}).get("inspect_ai", "unknown")),
        "additional_details": strings({name: scrub(str(v)) for name, v in library.items() if v is not None}),
    }
    system = ((log.get("plan") or {}).get("config") or {}).get("system_message")
    prompts = [sent_prompt(item, system) for item in items]
    asked = [asked_items(log, metric, items) for metric in metrics]
    results = [
        inspect_result(log, facts, metric, items, own, prompts) for metric, own in zip(metrics, asked, strict=True)
    ]
    record = run_record(facts.script, facts.title, facts.model, block, results, now)
    questions = {item.id: facts.questions.block(item) for item in facts.questions.items} if facts.questions else {}
    lines = []
    for metric, result, own in zip(metrics, record["evaluation_results"], asked, strict=True):
        if metric.values is not None and not metric.group:
            for item, value, prompt, told in zip(items, metric.values, prompts, own, strict=True):
                question = questions.get(item.name) or item_question(item)
                row = inspect_row(record, result, metric, item, value, question, prompt)
                row["metadata"] = {**item_metadata(told, metric.label), **row["metadata"]}
                lines.append(json_line(row))
    return record, "".join(lines)


def log_error(log: Mapping[str, Any]) -> str:
    """Why an evaluation ended without a score, in one line."""
    errors = [log.get("error"), *(run.get("error") for run in log.get("samples") or [])]
    return error_line(
        next((str(error["message"]) for error in errors if error and error.get("message")), "no reason given")
    )


def raw_input(item: LogItem) -> str:
    """What an item asks, as the task defines it."""
    own = item.runs[0]["input"]
    return own if isinstance(own, str) else prompt_text(own, None)


def sent_prompt(item: LogItem, system: str | None) -> str:
    """The prompt of an item as sent."""
    return prompt_text(asked_messages(item.runs[0].get("messages") or []), system) or raw_input(item)


def item_question(item: LogItem) -> dict[str, Any]:
    """What a samples file says of an item: what it asks, what is right, its choices."""
    run, target = item.runs[0], item.runs[0].get("target")
    reference = [str(part) for part in target] if isinstance(target, list) else [str(target)]
    choices = {"choices": [str(choice) for choice in run["choices"]]} if run.get("choices") else {}
    return {"raw": raw_input(item), "reference": reference, **choices}


def inspect_row(
    record: dict[str, Any],
    result: dict[str, Any],
    metric: LogMetric,
    item: LogItem,
    value: float | None,
    question: dict[str, Any],
    prompt: str,
) -> dict[str, Any]:
    """One line of a samples file: an item with all its repeats."""
    run, high = item.runs[0], result["metric_config"].get("max_score", 1.0)
    answer = ((run.get("scores") or {}).get(metric.scorer) or {}).get("answer")  # that the scorer read out of the text
    found = None if answer_is_blank(answer) else (str(answer), metric.scorer)
    row = sample_line(record, result, item.name, question, prompt, interaction(item), found)
    row["evaluation"] = {"score": value or 0.0, "is_correct": value is not None and value >= high - 1e-9}
    usage = usage_of(entry for each in item.runs for entry in (each.get("model_usage") or {}).values())
    if {"input_tokens", "output_tokens", "total_tokens"} <= usage.keys():
        row["token_usage"] = usage
    error = item_error(item) or ("the scorer gave no number" if value is None else None)
    return row | {"error": error} if error else row


def interaction(item: LogItem) -> dict[str, Any]:
    """How an item went: the answers of a single turn, or the whole conversation of several turns or with tools."""
    own = [row for run in item.runs for row in run.get("messages") or [] if row.get("source") == "generate"]
    tools = any(row.get("role") == "tool" for run in item.runs for row in run.get("messages") or [])
    if not tools and len(own) <= len(item.runs):
        thoughts = [answer_text(run, "reasoning") for run in item.runs]
        trace = {"reasoning_trace": thoughts} if any(thoughts) else {}
        plain = single_turn(list(map(answer_text, item.runs)))
        return plain | {"output": plain["output"] | trace}
    rows = [row for run in item.runs for row in run.get("messages") or []]
    return {
        "interaction_type": "agentic" if tools else "multi_turn",
        "output": None,
        "messages": [message_row(index, row) for index, row in enumerate(rows)],
    }


def message_row(index: int, message: Mapping[str, Any]) -> dict[str, Any]:
    """A message of a conversation as the schema wants it."""
    row: dict[str, Any] = {"turn_idx": index, "role": str(message.get("role"))}
    row["content"] = content_text(message.get("content"))
    thought = content_text(message.get("content"), "reasoning")
    calls = [
        {
            "id": str(call.get("id")),
            "name": str(call.get("function")),
            "arguments": {name: str(value) for name, value in (call.get("arguments") or {}).items()},
        }
        for call in message.get("tool_calls") or []
    ]
    row |= {"reasoning_trace": thought} if thought else {}
    row |= {"tool_calls": calls} if calls else {}
    return row | ({"tool_call_id": [str(message["tool_call_id"])]} if message.get("tool_call_id") else {})


def library_facts(task: Task, settings: Settings) -> dict[str, Any]:
    """The details of a record's eval_library that a rerun is recognised by."""
    return {
        "command": settings.command,
        "settings_hash": settings.key,
        "inspect_evals": settings.versions.get("inspect-evals") if task.request.module else None,
        "task_file": shown_path(task.request.file) if task.request.file else None,
        "task_file_sha256": task.file_sha256,
        "items_sha256": task.items_sha256,
        "packages_sha256": os.environ.get(PACKAGES_VARIABLE),
    }
