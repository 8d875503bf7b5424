"""Records and samples of foreign runs."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from parts.formats.values import as_detail, first, scale_of, settings_details, without_tokens
from parts.formats.vocabulary import (
    LIBRARIES,
    AskedItem,
    EvaluatedModel,
    PlainItems,
    ScoreRead,
    Tally,
    TaskRun,
    short_slug,
)
from parts.frame import single_line
from parts.harness.scorers import scorer_texts
from parts.names import not_to_be_read, parse_checkpoint_name
from parts.records.schema import SCHEMA_VERSION, strings

DAY = 86_400  # seconds that the clocks of two machines may differ


def record_uuid(run: TaskRun, kind: str = "") -> str:
    """A record's name: the same for the same file, task and model, and of the form of a UUID4."""
    text = f"{run.identity or run.origin.sha256}\0{run.task}\0{run.model.id}\0{kind}"
    return str(uuid.UUID(bytes=hashlib.sha256(text.encode(errors="replace")).digest()[:16], version=4))


def record_model_info(model: EvaluatedModel) -> dict[str, Any]:
    """Who was measured."""
    checkpoint = model.path.rsplit("/", 1)[-1] if model.path else None
    found = parse_checkpoint_name(checkpoint or "")
    details = {
        "deployment_type": model.deployment,
        "model_availability": "unknown",
        "checkpoint": checkpoint,
        "step": found[0] if found else None,
        "revision": model.revision,
        "path": model.path,
        "weights_sha256": model.weights_sha256,
        **{name: as_detail(value) for name, value in model.details.items()},
    }
    engine = {"name": model.engine, "version": model.engine_version}
    info = {
        "name": model.id.split("/", 1)[-1],
        "id": model.id,
        "developer": model.developer,
        "inference_platform": model.platform,
        "inference_engine": {name: value for name, value in engine.items() if value} or None,
        "additional_details": strings(details),
    }
    return {name: value for name, value in info.items() if value is not None}


def record_metric(score: ScoreRead, tally: Tally | None) -> dict[str, Any]:
    """What a record says of a metric."""
    unit, low, high = scale_of(score, tally.values if tally else ())
    config = {
        "metric_id": score.id,
        "metric_name": score.name,
        "metric_unit": unit,
        "lower_is_better": score.lower_is_better,
        "min_score": low,
        "max_score": high,
        "additional_details": strings(
            {
                "aggregation": score.aggregation or "unknown",
                "statistics": score.formula or None,
                "filter": score.filter,
                "direction": None if score.direction_known else "unknown",
            }
        )
        | scorer_texts(score.scorer),
        "score_type": "continuous" if low is not None and high is not None else None,
    }
    return {name: value for name, value in config.items() if value is not None}


def result_entry(run: TaskRun, score: ScoreRead, tally: Tally | None, counts: Mapping[str, Any]) -> dict[str, Any]:
    """One result of a record."""
    count = first(score.count, len(tally.items) if tally else None)
    uncertainty: dict[str, Any] = {"num_samples": count} if count is not None else {}
    if score.standard_error is not None:
        error = {"value": score.standard_error, "method": score.method}
        uncertainty["standard_error"] = {name: value for name, value in error.items() if value is not None}
        if score.draws:
            uncertainty["num_bootstrap_samples"] = score.draws
    details = {"few_shot": run.shots, **settings_details(run.settings)}
    arguments = {name: value for name, value in run.generation_args.items() if value is not None}
    if arguments.get("max_tokens") == 0:  # no limit that an answer could be given within
        del arguments["max_tokens"]
    return {
        "evaluation_result_id": run.result_id(score),
        "evaluation_name": run.title,
        "source_data": dict(run.source),
        "metric_config": record_metric(score, tally),
        "score_details": {
            "score": score.value,
            "details": strings({**counts, **run.counts, **score.details}),
            "uncertainty": uncertainty,
        },
        "generation_config": {"generation_args": arguments, "additional_details": strings(details)},
    }


def record_head(run: TaskRun, now: int) -> dict[str, Any]:
    """A record without its results; `now` is when it is made, in seconds."""
    seconds = now if run.moment.seconds is None else int(run.moment.seconds)
    if seconds > now + DAY:
        raise ValueError(f"it is dated {single_line(run.moment.text)[:40]}, which is in the future")
    if found := not_to_be_read(run.model.id):
        raise ValueError(f"its model is called {single_line(run.model.id)[:100]}: no record is read with {found} in it")
    library = {"task": run.task, **{name: as_detail(value) for name, value in run.library.items()}, **run.run_ids}
    source = {"file": single_line(run.origin.path.name), "sha256": run.origin.sha256, "format": run.origin.format}
    head = {
        "schema_version": SCHEMA_VERSION,
        "evaluation_id": f"{short_slug(run.title)}/{run.model.id}/{seconds}",
        "evaluation_timestamp": run.moment.text,
        "retrieved_timestamp": str(now),
        "source_metadata": {
            "source_name": LIBRARIES[run.origin.format],
            "source_type": "evaluation_run",
            "source_organization_name": "unknown",
            "evaluator_relationship": "third_party",
            "additional_details": strings({"converter": "convert_results.py", **source, **run.run_ids}),
        },
        "model_info": without_tokens(record_model_info(run.model)),
        "eval_library": {
            "name": LIBRARIES[run.origin.format],
            "version": run.version,
            "additional_details": strings(library),
        },
    }
    return {name: value for name, value in head.items() if value is not None}


def sample_entry(score: ScoreRead, item: AskedItem, best: float | None) -> dict[str, Any]:
    """The part of a samples line that is not the same in all lines of a metric; `best`: see `best_of`."""
    value = item.values.get(score.name) if item.error is None else None
    question = sample_question(item.raw, item.references, item.choices, item.prompt)
    digest = question_digest(item.raw, item.references)
    shown, right = item.shown.get(score.name, item.answers), math.inf if best is None else best - 1e-9
    found = item_attribution(*item.found, item.messages) if item.found else []
    row = sample_row(item.id, digest, question, item_metadata(item, score.name), found, shown, value, right)
    if item.reasoning:
        row["output"]["reasoning_trace"] = item.reasoning
    if item.messages is not None:
        asked = any("tool_calls" in message for message in item.messages)
        row |= {"interaction_type": "agentic" if asked else "multi_turn", "output": None, "messages": item.messages}
    if item.usage:
        row["token_usage"] = item.usage
    if value is None:
        row["error"] = item.error or "no finite value"
    return row


def question_digest(raw: str, references: list[str]) -> str | None:
    """The hash that tells two items apart, as the schema defines it."""
    hashed = raw + "".join(references)
    return hashlib.sha256(hashed.encode("utf-8", "replace")).hexdigest() if hashed else None


def prompt_digest(prompt: str) -> str:
    """The hash of what was asked, in a sample's metadata."""
    return hashlib.sha256(prompt.encode("utf-8", "replace")).hexdigest()[:16]


def sample_question(
    raw: str, references: list[str], choices: list[str] | None, prompt: str | None
) -> dict[str, str | list[str]]:
    """What a samples line says of what was asked."""
    question: dict[str, str | list[str]] = {"raw": raw, "reference": references}
    if choices:
        question["choices"] = choices
    if prompt is not None and prompt != raw:
        question["formatted"] = prompt
    return question


def sample_row(
    name: str,
    digest: str | None,
    question: dict[str, Any],
    metadata: Mapping[str, str],
    found: list[dict[str, Any]],
    shown: list[str],
    value: float | None,
    right: float,
) -> dict[str, Any]:
    """What every samples line has; `right`: from which value on an answer is."""
    return {
        "sample_id": name,
        "sample_hash": digest,
        "interaction_type": "single_turn",
        "input": question,
        "output": {"raw": shown},
        "answer_attribution": found,
        "evaluation": {"score": value or 0.0, "is_correct": value is not None and value >= right},
        "metadata": metadata,
    }


class PlainRows(NamedTuple):
    """Of some items, what their samples lines have for every metric: see `sample_row`."""

    names: Sequence[str]
    digests: Sequence[str | None]
    questions: Sequence[dict[str, Any]]
    metadata: Sequence[dict[str, str]]
    found: Sequence[list[dict[str, Any]]]


def plain_rows(items: PlainItems) -> PlainRows:
    """What is the same for every metric of some items."""
    choices, read = items.choices or itertools.repeat(None), items.read if items.method else None
    prompts = map(prompt_digest, items.prompts)
    return PlainRows(
        items.ids,
        list(map(question_digest, items.raws, items.references)),
        list(map(sample_question, items.raws, items.references, choices, items.prompts)),
        [{**own, "prompt_hash": digest} for own, digest in zip(items.metadata, prompts, strict=True)],
        [[]] * len(items.ids) if read is None else [item_attribution(text, items.method) for text in read],
    )


def plain_lines(score: ScoreRead, items: PlainItems, rows: PlainRows, best: float | None, prefix: bytes) -> bytes:
    """The samples lines of a metric, as `sample_entry` makes them, with what is the same in all lines in front."""
    import orjson

    shown, right = items.shown.get(score.name, items.answers), math.inf if best is None else best - 1e-9
    made = list(map(sample_row, *rows, shown, items.values[score.name], itertools.repeat(right)))
    try:
        text = b"".join([prefix + line[1:] + b"\n" for line in map(orjson.dumps, made)])
    except TypeError:  # see as_line
        return b"".join([prefix + as_line(row)[1:] + b"\n" for row in made])
    return without_line_ends(text)


def item_attribution(text: str, method: str, messages: Sequence[Any] | None = None) -> list[dict[str, Any]]:
    """What the harness read from the answer."""
    return [
        {
            "turn_idx": 0 if messages is None else max(len(messages) - 1, 0),
            "source": "output.raw" if messages is None else "messages[turn_idx].content",
            "extracted_value": text,
            "extraction_method": method,
            "is_terminal": True,
        }
    ]


def item_metadata(item: AskedItem, score: str) -> dict[str, str]:
    """What the data set says of the item, what the prompt was, and what became of its attempts."""
    found = dict(item.metadata)
    if item.attempt is not None:
        found["epoch"] = str(item.attempt)
    if score in item.ratios:
        found |= {"numerator": repr(item.ratios[score][0]), "denominator": repr(item.ratios[score][1])}
    if score in item.statistics:
        found["statistics"] = json.dumps(item.statistics[score], ensure_ascii=False)
    values = item.attempt_values(score)
    attempts, scored = max(item.planned, len(values)), len(values) - values.count(None)
    if attempts > 1 or (scored < attempts and item.error is None):
        found |= {"attempts": str(attempts), "scored": str(scored)}
        if len(values) <= 100:
            found["attempt_values"] = json.dumps(values)
    if item.prompt is not None:
        found["prompt_hash"] = prompt_digest(item.prompt)
    return found


def as_document(value: dict[str, Any]) -> str:
    """JSON for a file of its own; characters that are no Unicode text become question marks."""
    import orjson

    try:
        return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()
    except TypeError:  # lone surrogates, or numbers beyond 64 bits
        return json.dumps(value, indent=2, ensure_ascii=False).encode(errors="replace").decode() + "\n"


def as_line(value: dict[str, Any]) -> bytes:
    """JSON on one line; characters that are no Unicode text become question marks."""
    import orjson

    try:
        line = orjson.dumps(value)
    except TypeError:  # lone surrogates
        line = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
    return without_line_ends(line)


def without_line_ends(text: bytes) -> bytes:
    """JSON in which what some readers take for the end of a line is escaped."""
    for character in () if text.isascii() else "\x85\u2028\u2029":
        text = text.replace(character.encode(), f"\\u{ord(character):04x}".encode())
    return text
