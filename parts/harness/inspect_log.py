"""An inspect log read: samples, scores, repeats, usage."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from parts.formats.inspect_scores import told_apart
from parts.frame import natural_key
from parts.harness.inspect_vocabulary import SPREAD, LogItem, LogMetric
from parts.private import scrub


def with_attachments(value: Any, attachments: Mapping[str, str]) -> Any:
    """A value of a log with the long texts put back that inspect keeps apart as `attachment://<hash>`."""
    if isinstance(value, str):
        return attachments.get(value.removeprefix("attachment://"), value) if "attachment://" in value[:13] else value
    if isinstance(value, list):
        return [with_attachments(item, attachments) for item in value]
    if isinstance(value, dict):
        return {name: with_attachments(item, attachments) for name, item in value.items()}
    return value


def content_text(content: Any, kind: str = "text") -> str:
    """The text of a message's content; `kind` "reasoning" for its thinking. Images and the like become "[image]"."""
    if isinstance(content, str):
        return content if kind == "text" else ""
    parts = []
    for part in content or []:
        if part.get("type") in ("text", "reasoning"):
            parts += [str(part.get(kind) or "")] if part["type"] == kind else []
        elif kind == "text":
            parts.append(f"[{part.get('type')}]")
    return "\n".join(part for part in parts if part)


def asked_messages(messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The messages before the model's first own answer: examples in the prompt are answers that it did not give."""
    own = [i for i, row in enumerate(messages) if row.get("role") == "assistant" and row.get("source") == "generate"]
    last = [i for i, row in enumerate(messages) if row.get("role") == "assistant"][-1:]
    return list(messages[: (own or last or [len(messages)])[0]])


def prompt_text(messages: Sequence[dict[str, Any]], system: str | None) -> str:
    """The prompt as sent: the text alone when it is one message of the user, else each with its role in front."""
    rows = [("system", system)] if system else []
    rows += [(str(row.get("role")), content_text(row.get("content"))) for row in messages]
    if [role for role, _ in rows] == ["user"]:
        return rows[0][1]
    return "\n\n".join(f"{role}: {text}" for role, text in rows)


def score_number(value: Any) -> float | None:
    """A score's value as inspect reads it: C, P, I, N -> 1, 0.5, 0, 0; yes/no; numbers. None: not scored."""
    if isinstance(value, str):
        words = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0, "yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}
        if value in words or value.lower() in words:
            return words.get(value, words.get(value.lower()))
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool | int | float) and math.isfinite(value):
        return float(value)
    return None


def part_of(value: Any, key: str | None) -> Any:
    """A score's value, or what a score of several values has under a key."""
    return value.get(key) if isinstance(value, dict) and key is not None else value


def item_names(log: Mapping[str, Any], split: str | None) -> dict[Any, str]:
    """inspect's ids -> the data set's own ids; numbers that inspect counted from 1 become `<split>/<row>`."""
    found = list(dict.fromkeys(sample["id"] for sample in log.get("samples") or []))
    total = (log["eval"].get("dataset") or {}).get("samples") or len(found)
    counted = all(isinstance(name, int) and 1 <= name <= total for name in found)
    return {name: f"{split or 'sample'}/{name - 1}" if counted else str(name) for name in found}


def log_items(log: Mapping[str, Any], split: str | None) -> list[LogItem]:
    """The items of a log in the order of their ids, each with all its repeats (inspect's epochs)."""
    names = item_names(log, split)
    runs: dict[Any, list[dict[str, Any]]] = {}
    for sample in log.get("samples") or []:
        attachments = sample.get("attachments") or {}
        kept = {name: value for name, value in sample.items() if name not in ("events", "attachments", "store")}
        runs.setdefault(sample["id"], []).append(with_attachments(kept, attachments))
    items = [LogItem(names[name], name, tuple(sorted(rows, key=lambda r: r["epoch"]))) for name, rows in runs.items()]
    return sorted(items, key=lambda item: natural_key(item.name))


def item_error(item: LogItem) -> str | None:
    """Why an item has no answer: the error of its last repeat when all failed."""
    errors = [run.get("error") for run in item.runs]
    return error_line(str((errors[-1] or {}).get("message") or "error")) if all(errors) else None


def item_values(items: Sequence[LogItem], scorer: str, key: str | None) -> list[float | None]:
    """Each item's score by one scorer, the mean of its repeats; None where it was not scored."""
    values = []
    for item in items:
        scores = [(run.get("scores") or {}).get(scorer) for run in item.runs if not run.get("error")]
        numbers = [score_number(part_of(score.get("value"), key)) for score in scores if score]
        kept = [number for number in numbers if number is not None]
        values.append(sum(kept) / len(kept) if kept else None)
    return values


def reduced_values(log: Mapping[str, Any], items: Sequence[LogItem], entry: Mapping[str, Any], key: str | None) -> Any:
    """Each item's score under the entry's way of joining repeats (`mean`, `pass_at_5`, ...)."""
    if entry.get("reducer") in (None, "mean"):
        return item_values(items, entry["scorer"], key)
    for reduction in log.get("reductions") or []:
        if (reduction["scorer"], reduction.get("reducer")) == (entry["scorer"], entry["reducer"]):
            joined = {row.get("sample_id"): score_number(part_of(row["value"], key)) for row in reduction["samples"]}
            failed = [item_error(item) is not None for item in items]
            return [None if bad else joined.get(item.id) for item, bad in zip(items, failed, strict=True)]
    return [None] * len(items)


def mean_matches(values: Sequence[float | None], number: float) -> bool:
    """Whether a metric is the plain mean of the items' values."""
    kept = [value for value in values if value is not None]
    return bool(kept) and math.isclose(sum(kept) / len(kept), number, rel_tol=1e-6, abs_tol=1e-6)


def group_member(metric: Mapping[str, Any]) -> str | None:
    """The group's name, of a metric that inspect's `grouped` made for a part of the items; "" for the whole."""
    if metric.get("group") != "grouped":
        return None
    name = str(metric["name"])
    return "" if name == str((metric.get("params") or {}).get("all_label", "all")) else name


def metric_label(entry: Mapping[str, Any], metric: Mapping[str, Any], key: str) -> str:
    """The name under which a metric is published: the metric's; the scorer's where it only says "mean".

    match: accuracy -> accuracy    f1: mean -> f1    verify: accuracy joined by pass_at_1 -> pass_at_1
    strict, a key of a score of several: accuracy -> strict
    """
    name, own = str(metric.get("name") or key), str(entry["name"]).split("/")[-1]
    if group_member(metric) is not None:
        inner = (metric.get("params") or {}).get("metric")
        name = str(inner.get("name") if isinstance(inner, dict) else inner or "accuracy").split("/")[-1]
    keyed = entry["name"] != entry["scorer"]
    if entry.get("reducer") not in (None, "mean"):
        joined = str(entry["reducer"]) if name in ("accuracy", "mean") else f"{name}_{entry['reducer']}"
        return f"{own}_{joined}" if keyed and name in ("accuracy", "mean") else joined
    return own if name == "mean" or (keyed and name == "accuracy") else name


def log_metrics(log: Mapping[str, Any], items: Sequence[LogItem]) -> list[LogMetric]:
    """The metrics of a log that are scores: no standard errors and spreads, none twice, none without a number."""
    kept: list[tuple[LogMetric, str]] = []
    for entry in (log.get("results") or {}).get("scores") or []:
        key = entry["name"] if entry["name"] != entry["scorer"] else None
        whole = reduced_values(log, items, entry, key)
        for name, metric in entry["metrics"].items():
            number, member = score_number(metric.get("value")), group_member(metric)
            if SPREAD.search(name) or SPREAD.search(str(metric.get("name"))) or number is None:
                continue
            values = whole if member in (None, "") else members(items, whole, metric, member)
            if not mean_matches(values, number):
                values = matching_part(items, entry["scorer"], number)
            row = LogMetric(
                metric_label(entry, metric, name),
                member or "",
                entry["scorer"],
                number,
                tuple(values) if values else None,
                key,
                entry.get("reducer"),
            )
            kept.append((row, str(entry["name"])))
    names = told_apart([(row.label, name, row.scorer) for row, name in kept])
    found: dict[tuple[str, str], LogMetric] = {}
    for (row, own), label in zip(kept, names, strict=True):
        row = replace(row, label=label)
        other = found.setdefault((label, row.group), row)
        if other is not row and other.number != row.number:
            found.setdefault((f"{own}_{label}", row.group), replace(row, label=f"{own}_{label}"))
    return list(found.values())


def members(items: Sequence[LogItem], values: Sequence[float | None], metric: Mapping[str, Any], member: str) -> Any:
    """The values of a group's items, None for the others."""
    key = (metric.get("params") or {}).get("group_key")
    inside = [str((item.runs[0].get("metadata") or {}).get(key)) == member for item in items]
    return [value if kept else None for value, kept in zip(values, inside, strict=True)]


def matching_part(items: Sequence[LogItem], scorer: str, number: float) -> list[float | None]:
    """For a score of several values: the items' values under the one key whose mean the metric is, else nothing."""
    keys = {
        key
        for item in items
        for run in item.runs
        if isinstance(value := ((run.get("scores") or {}).get(scorer) or {}).get("value"), dict)
        for key in value
    }
    columns = {tuple(item_values(items, scorer, key)) for key in keys}
    fitting = [column for column in columns if mean_matches(column, number)]
    return list(fitting[0]) if len(fitting) == 1 else []


def answer_is_blank(answer: Any) -> bool:
    return answer is None or not str(answer).strip()


def completion(run: Mapping[str, Any]) -> dict[str, Any]:
    """The model's last answer: {"message": ..., "stop_reason": ...}, or {} when there is none."""
    return next(iter((run.get("output") or {}).get("choices") or []), {})


def answer_text(run: Mapping[str, Any], kind: str = "text") -> str:
    return content_text((completion(run).get("message") or {}).get("content"), kind)


def usage_of(rows: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Tokens added up over inspect's usage entries."""
    names = ("input_tokens", "output_tokens", "total_tokens", "reasoning_tokens")
    rows = list(rows)
    return {name: sum(row.get(name) or 0 for row in rows) for name in names if any(row.get(name) for row in rows)}


def error_line(message: str) -> str:
    """inspect's error message as one line, without the request that it puts in front of the provider's answer.

    "ValueError('no')" -> "ValueError: no"
    """
    if "Request:" in message:
        message = message.replace("\\n", "\n").rpartition("\n\n")[2]
    match = re.match(r"(\w+)\(\\?['\"](.*?)\\?['\"]\)", message, re.DOTALL)
    message = f"{match[1]}: {match[2]}" if match else message
    return scrub(" ".join(message.split()))[:400]
