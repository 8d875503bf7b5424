"""The items of inspect's logs: what was asked and answered, and what became of each attempt."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from parts.formats.inspect_scores import LogScore, inspect_value, keyed, keyed_by_label
from parts.formats.values import (
    bounded_metadata,
    finite,
    named,
    part,
    rows_of,
    whole,
)
from parts.formats.vocabulary import (
    AskedItem,
)
from parts.frame import single_line
from parts.private import without_paths


def with_attached(value: Any, attachments: Mapping[str, Any]) -> Any:
    """A value of a log with the long texts put back that inspect keeps apart as `attachment://<hash>`."""
    if isinstance(value, str):
        return attachments.get(value.removeprefix("attachment://"), value) if "attachment://" in value[:13] else value
    if isinstance(value, list):
        return [with_attached(item, attachments) for item in value]
    if isinstance(value, dict):
        return {name: with_attached(item, attachments) for name, item in value.items()}
    return value


def message_text(content: Any, kind: str = "text") -> str:
    """The text of a message's content; `kind` "reasoning" for its thinking. Images and the like become "[image]"."""
    if isinstance(content, str):
        return content if kind == "text" else ""
    found = []
    for row in rows_of(content):
        if row.get("type") in ("text", "reasoning"):
            found += [str(row.get(kind) or "")] if row["type"] == kind else []
        elif kind == "text":
            found.append(f"[{single_line(row.get('type'))}]")
    return "\n".join(text for text in found if text)


def sent_messages(messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The messages before the model's first own answer: examples in the prompt are answers that it did not give."""
    own = [i for i, row in enumerate(messages) if row.get("role") == "assistant" and row.get("source") == "generate"]
    last = [i for i, row in enumerate(messages) if row.get("role") == "assistant"][-1:]
    return list(messages[: (own or last or [len(messages)])[0]])


def messages_text(messages: Sequence[dict[str, Any]], system: str | None) -> str:
    """The prompt as sent: the text alone when it is one message of the user, else each with its role in front."""
    rows = [("system", system)] if system else []
    rows += [(str(row.get("role")), message_text(row.get("content"))) for row in messages]
    if [role for role, _ in rows] == ["user"]:
        return rows[0][1]
    return "\n\n".join(f"{role}: {text}" for role, text in rows)


def turn_of(index: int, message: Mapping[str, Any]) -> dict[str, Any]:
    """A message of a conversation as the schema wants it."""
    row: dict[str, Any] = {"turn_idx": index, "role": str(message.get("role"))}
    row["content"] = message_text(message.get("content"))
    thought = message_text(message.get("content"), "reasoning")
    calls = [
        {
            "id": str(call.get("id")),
            "name": str(call.get("function")),
            "arguments": {name: str(value) for name, value in part(call, "arguments").items()},
        }
        for call in rows_of(message.get("tool_calls"))
    ]
    row |= {"reasoning_trace": thought} if thought else {}
    row |= {"tool_calls": calls} if calls else {}
    return row | ({"tool_call_id": [str(message["tool_call_id"])]} if message.get("tool_call_id") else {})


def last_answer(sample: Mapping[str, Any]) -> dict[str, Any]:
    """The model's last answer: {"message": ..., "stop_reason": ...}, or {} when there is none."""
    return next(iter(rows_of(part(sample, "output").get("choices"))), {})


def answer_of(sample: Mapping[str, Any], kind: str = "text") -> str:
    return message_text(part(last_answer(sample), "message").get("content"), kind)


def attempt_value(run: Mapping[str, Any], wanted: LogScore) -> float | None:
    """A metric's value in one attempt; an attempt that ended with an error has one when it was scored all the same."""
    value = part(run, "scores", wanted.scorer).get("value")
    if isinstance(value, dict) and wanted.key is None:
        found = keyed_by_label(value, wanted.score.name)
        return found[0] / found[1] if isinstance(found, tuple) else finite(found)
    return inspect_value(keyed(value, wanted.key))


def joined_value(runs: Sequence[Mapping[str, Any]], wanted: LogScore) -> float | None:
    """An item's score: the mean of its repeats, or what the log has for another way of joining them."""
    if wanted.reducer not in (None, "mean"):
        return inspect_value(wanted.joined.get(single_line(runs[0].get("id"))))
    kept = [value for value in (attempt_value(run, wanted) for run in runs) if value is not None]
    return sum(kept) / len(kept) if kept else None


def inspect_values(runs: Sequence[Mapping[str, Any]], scores: Sequence[LogScore]) -> dict[str, float | None]:
    """An item's value by metric, without the metrics that are worked out of several values in a way of their own."""
    found = {}
    for score in scores:
        values = [part(run, "scores", score.scorer).get("value") for run in runs]
        whole_dict = score.key is None and any(isinstance(value, dict) for value in values)
        value = joined_value(runs, score)
        if value is not None or not whole_dict:
            found[score.score.name] = value
    return found


def inspect_item(
    runs: Sequence[dict[str, Any]], name: str, scores: Sequence[LogScore], asked_of: InspectAsked
) -> AskedItem:
    """One item of a log with all its repeats (inspect's epochs)."""
    runs = [with_attached(run, part(run, "attachments")) for run in runs]
    run, messages = runs[0], [message for run in runs for message in rows_of(run.get("messages"))]
    asked, target = run.get("input"), run.get("target")
    raw = asked if isinstance(asked, str) else messages_text(rows_of(asked), None)
    own = [row for row in messages if row.get("source") == "generate"]
    tools = any(row.get("role") == "tool" for row in messages)
    stops = [last_answer(run).get("stop_reason") for run in runs]
    entries = [part(run, "scores", score.scorer) for score in scores[:1] for run in runs[:1]]
    found = next((str(entry["answer"]) for entry in entries if str(entry.get("answer") or "").strip()), None)
    thoughts = [answer_of(run, "reasoning") for run in runs]
    values = inspect_values(runs, scores)
    errors = [run.get("error") for run in runs]
    unscored = [not part(run, "scores") for run in runs]
    failed = single_line(part({"error": errors[-1]}, "error").get("message") or "error") if all(errors) else None
    limits = [named(part(run, "limit").get("type")) for run in runs]
    metadata = bounded_metadata(part(run, "metadata"))
    if any(limits):
        metadata["limit_hit"] = ", ".join(dict.fromkeys(filter(None, limits)))
    retries = sum(len(rows_of(run.get("error_retries"))) for run in runs)
    if retries:
        metadata["error_retries"] = str(retries)
    return AskedItem(
        id=name,
        raw=raw,
        references=[str(text) for text in target] if isinstance(target, list) else [str(target)],
        answers=[answer_of(run) for run in runs],
        values=values,
        choices=[str(choice) for choice in run["choices"]] if isinstance(run.get("choices"), list) else None,
        prompt=messages_text(sent_messages(rows_of(run.get("messages"))), asked_of.system) or raw,
        found=(found, scores[0].scorer) if found is not None else None,
        reasoning=thoughts if any(thoughts) else None,
        error=without_paths(failed)[:400] if failed and all(unscored) else None,
        generative=True,
        truncated=sum(stop in ("max_tokens", "model_length") for stop in stops),
        unparsed=inspect_unparsed(runs, scores),
        messages=[turn_of(i, row) for i, row in enumerate(messages)] if tools or len(own) > len(runs) else None,
        usage=tokens_of(runs, asked_of.model),
        tries={score.score.name: [attempt_value(run, score) for run in runs] for score in scores},
        planned=asked_of.epochs,
        errored=sum(map(bool, errors)),
        lost_to_errors=sum(bool(error) and none for error, none in zip(errors, unscored, strict=True)),
        limit_hit=sum(map(bool, limits)),
        metadata=metadata,
        ratios=inspect_ratios(runs, scores),
    )


def inspect_ratios(runs: Sequence[Mapping[str, Any]], scores: Sequence[LogScore]) -> dict[str, tuple[float, float]]:
    """What metrics of whole log divide: instructions followed and asked, over all repeats."""
    found = {}
    for score in (score for score in scores if score.key is None):
        values = [part(run, "scores", score.scorer).get("value") for run in runs]
        pairs = [keyed_by_label(value, score.score.name) for value in values if isinstance(value, dict)]
        pairs = [pair for pair in pairs if isinstance(pair, tuple)]
        if pairs:
            found[score.score.name] = sum(pair[0] for pair in pairs), sum(pair[1] for pair in pairs)
    return found


def inspect_unparsed(runs: Sequence[Mapping[str, Any]], scores: Sequence[LogScore]) -> int | None:
    """How many attempts hold no answer: graded N, or the scorer says that it read none; None where it never says so.

    Not of attempts that failed or hit a limit: these are counted as such.
    """
    ended = [run for run in runs if not run.get("error") and not part(run, "limit")]
    entries = [part(run, "scores", score.scorer) for score in scores[:1] for run in ended]
    none = [
        entry.get("value") == "N"
        or entry.get("answer") == ""
        or entry.get("reason") in ("invalid_response_format", "no_response")
        for entry in entries
    ]
    graded = any(entry.get("value") in ("C", "I", "P", "N") for entry in entries)
    return sum(none) if graded or any(none) or len(ended) < len(runs) else None


@dataclass(frozen=True)
class InspectAsked:
    """What an item is read with: the system message, the evaluated model's name, attempts that were planned."""

    system: str | None
    model: str
    epochs: int


def tokens_of(runs: Sequence[Mapping[str, Any]], model: str) -> dict[str, int] | None:
    """The tokens that an item cost the evaluated model, over all its repeats; None when the log does not say."""
    rows = [part(run, "model_usage").get(model) for run in runs]
    rows = [row for row in rows if isinstance(row, dict)]
    names = ("input_tokens", "output_tokens", "total_tokens", "reasoning_tokens")
    found = {
        name: sum(whole(row.get(name)) or 0 for row in rows) for name in names if any(row.get(name) for row in rows)
    }
    return found if set(names[:3]) <= set(found) else None


def inspect_items(
    samples: Callable[[], Iterator[list[dict[str, Any]]]],
    scores: Sequence[LogScore],
    asked_of: InspectAsked,
    split: str | None,
    total: int | None,
    spec: Mapping[str, Any],
) -> Iterator[AskedItem]:
    """The items of a log, under the data set's own ids; numbers that inspect counted from 1 become `<split>/<row>`."""
    listed = part(spec, "dataset").get("sample_ids")
    listed = listed if isinstance(listed, list) and listed else None
    counted = None if listed is None else all(is_counted(name, total or len(listed)) for name in listed)
    for runs in samples():
        name = runs[0].get("id") if runs else None
        if name is None:
            raise ValueError("a sample without an id")
        plain_row = is_counted(name, total or 1 << 40) if counted is None else counted and isinstance(name, int)
        yield inspect_item(runs, f"{split or 'sample'}/{name - 1}" if plain_row else str(name), scores, asked_of)


def is_counted(name: Any, total: int) -> bool:
    """Whether an id is one of the numbers 1, 2, ... that inspect gives to items without an id."""
    return isinstance(name, int) and not isinstance(name, bool) and 1 <= name <= total
