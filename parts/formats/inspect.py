"""inspect's logs, .eval and .json."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from parts.formats.files import LogArchive
from parts.formats.here import Here, ran_before
from parts.formats.values import bare_version, finite, first, moment_of, named, part, rows_of, whole
from parts.formats.vocabulary import (
    AskedItem,
    Files,
    Moment,
    Origin,
    ScoreRead,
    TaskRun,
    Trouble,
    hub_source,
    without_paths,
)
from parts.frame import single_line
from parts.hashes import file_sha256
from parts.names import INSPECT_METRICS, SPLIT_FILES
from parts.private import shown_path
from parts.records.schema import strings

INSPECT_ENGINES = {"hf": "transformers", "vllm": "vllm", "sglang": "sglang", "ollama": "ollama"}

# Metrics of inspect that say how sure others are.
INSPECT_SPREAD = re.compile(
    r"(?:^|_)(?:std_?err|sterr|se|std|stddev|var|variance|ci|ci_lower|ci_upper|stderr\d*)$|^bootstrap_"
)
INSPECT_LOWER = {"perplexity", "ppl", "wer", "cer", "ter", "loss", "bias"}  # first word of metrics that should be low
INSPECT_VALUES = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0, "yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}
SHOTS_ARGUMENTS = ("fewshot", "few_shot", "num_fewshot", "n_shots", "num_shots")


@dataclass(frozen=True)
class LogScore:
    """A score of a log and where its items are: scorer, key of a score of several values, way of joining repeats."""

    score: ScoreRead
    scorer: str
    key: str | None
    reducer: str | None
    joined: Mapping[str, Any] = field(default_factory=dict)  # an item's value, for other ways than the mean


def inspect_value(value: Any) -> float | None:
    """A score's value as inspect's value_to_float reads it; None for what is no number."""
    if isinstance(value, str):
        known = INSPECT_VALUES.get(value, INSPECT_VALUES.get(value.lower()) if len(value) > 1 else None)
        if known is not None:
            return known
        with contextlib.suppress(ValueError):
            return finite(float(value))
        return None
    return finite(value)


def inspect_scores(header: Mapping[str, Any], reductions: Any) -> list[LogScore]:
    """The measured metrics of a log: no standard errors and spreads, no parts of the items, none without a number."""
    found: dict[str, LogScore] = {}
    for row in rows_of(part(header, "results").get("scores")):
        name = named(row.get("name")) or "score"
        scorer, reducer = named(row.get("scorer")) or name, named(row.get("reducer"))
        key = name if name != scorer else None
        metrics = part(row, "metrics")
        for text, metric in metrics.items():
            value = finite(metric.get("value")) if isinstance(metric, dict) else finite(metric)
            if value is None or INSPECT_SPREAD.search(text) or inspect_group(metric) not in (None, ""):
                continue
            label = inspect_label(name, text, metric, reducer)
            label = label if label not in found else f"{single_line(name).rsplit('/', 1)[-1]}_{label}"
            score = inspect_score(row, metrics, text, label, value)
            joined = inspect_joined(reductions, scorer, reducer, key)
            found.setdefault(label, LogScore(score, scorer, key, reducer, joined))
    return list(found.values())


def inspect_score(row: Mapping[str, Any], metrics: Mapping[str, Any], text: str, label: str, value: float) -> ScoreRead:
    """One metric of a scorer; whether it is the mean of the items is found out from these."""
    error, method = inspect_error(metrics) if text.rsplit("/", 1)[-1] in ("accuracy", "mean") else (None, None)
    return ScoreRead(
        label,
        INSPECT_METRICS.get(label, label),
        value,
        "mean" if text.rsplit("/", 1)[-1] in ("accuracy", "mean") else None,
        lower_is_better=label.split("_")[0] in INSPECT_LOWER,
        standard_error=error,
        method=method,
        count=whole(row.get("scored_samples")),
    )


def inspect_group(metric: Any) -> str | None:
    """The part of the items that a metric of inspect's `grouped` is about; "" for all, None for other metrics."""
    if not isinstance(metric, dict) or metric.get("group") != "grouped":
        return None
    name = str(metric.get("name"))
    return "" if name == str(part(metric, "params").get("all_label", "all")) else name


def inspect_label(name: str, text: str, metric: Any, reducer: str | None) -> str:
    """The name under which a metric is published: the metric's; the scorer's where it only says "mean".

    match: accuracy -> accuracy    f1: mean -> f1    verify: accuracy joined by pass_at_1 -> pass_at_1
    """
    label = single_line(text).rsplit("/", 1)[-1]
    if inspect_group(metric) == "":
        inner = part(metric, "params").get("metric")
        label = str(inner.get("name") if isinstance(inner, dict) else inner or "accuracy").rsplit("/", 1)[-1]
    if reducer not in (None, "mean"):
        label = reducer if label in ("accuracy", "mean") else f"{label}_{reducer}"
    return single_line(name).rsplit("/", 1)[-1] if label == "mean" else label


def inspect_error(metrics: Mapping[str, Any]) -> tuple[float | None, str | None]:
    """The standard error beside a mean, and how it was worked out."""
    for text, entry in metrics.items():
        value, name = finite(entry.get("value")) if isinstance(entry, dict) else None, text.rsplit("/", 1)[-1]
        if name in ("stderr", "bootstrap_stderr") and value is not None and value >= 0:
            method = "clustered" if part(entry, "params").get("cluster") else "analytic"
            return value, "bootstrap" if name == "bootstrap_stderr" else method
    return None, None


def inspect_joined(reductions: Any, scorer: str, reducer: str | None, key: str | None) -> dict[str, Any]:
    """Each item's value under a way of joining repeats other than the mean ("max", "pass_at_2")."""
    if reducer in (None, "mean"):
        return {}
    for row in rows_of(reductions):
        if row.get("scorer") == scorer and row.get("reducer") == reducer:
            return {
                single_line(item.get("sample_id")): keyed(item.get("value"), key)
                for item in rows_of(row.get("samples"))
            }
    return {}


def keyed(value: Any, key: str | None) -> Any:
    """A score's value, or what a score of several values has under a key."""
    return value.get(key) if isinstance(value, dict) and key is not None else value


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


def joined_value(runs: Sequence[Mapping[str, Any]], wanted: LogScore) -> float | None:
    """An item's score: the mean of its repeats, or what the log has for another way of joining them."""
    if wanted.reducer not in (None, "mean"):
        return inspect_value(wanted.joined.get(single_line(runs[0].get("id"))))
    entries = [part(run, "scores", wanted.scorer) for run in runs if not run.get("error")]
    values = [inspect_value(keyed(entry.get("value"), wanted.key)) for entry in entries if entry]
    kept = [value for value in values if value is not None]
    return sum(kept) / len(kept) if kept else None


def inspect_item(
    runs: Sequence[dict[str, Any]], name: str, scores: Sequence[LogScore], system: str | None
) -> AskedItem:
    """One item of a log with all its repeats (inspect's epochs)."""
    runs = [with_attached(run, part(run, "attachments")) for run in runs]
    run, messages = runs[0], [message for run in runs for message in rows_of(run.get("messages"))]
    asked, target = run.get("input"), run.get("target")
    raw = asked if isinstance(asked, str) else messages_text(rows_of(asked), None)
    errors = [run.get("error") for run in runs]
    failed = single_line(part({"error": errors[-1]}, "error").get("message") or "error") if all(errors) else None
    own = [row for row in messages if row.get("source") == "generate"]
    tools = any(row.get("role") == "tool" for row in messages)
    alive = [run for run in runs if not run.get("error")]
    stops = [last_answer(run).get("stop_reason") for run in alive]
    entries = [part(run, "scores", score.scorer) for score in scores[:1] for run in runs[:1]]
    found = next((str(entry["answer"]) for entry in entries if str(entry.get("answer") or "").strip()), None)
    thoughts = [answer_of(run, "reasoning") for run in runs]
    return AskedItem(
        id=name,
        raw=raw,
        references=[str(text) for text in target] if isinstance(target, list) else [str(target)],
        answers=[answer_of(run) for run in runs],
        values={score.score.name: joined_value(runs, score) for score in scores},
        choices=[str(choice) for choice in run["choices"]] if isinstance(run.get("choices"), list) else None,
        prompt=messages_text(sent_messages(rows_of(run.get("messages"))), system) or raw,
        found=(found, scores[0].scorer) if found is not None else None,
        reasoning=thoughts if any(thoughts) else None,
        error=without_paths(failed)[:400] if failed else None,
        generative=True,
        truncated=sum(stop in ("max_tokens", "model_length") for stop in stops),
        messages=[turn_of(i, row) for i, row in enumerate(messages)] if tools or len(own) > len(runs) else None,
        usage=tokens_of(runs),
    )


def tokens_of(runs: Sequence[Mapping[str, Any]]) -> dict[str, int] | None:
    """The tokens that an item cost, over all its repeats; None when the log does not say."""
    rows = [row for run in runs for row in part(run, "model_usage").values() if isinstance(row, dict)]
    names = ("input_tokens", "output_tokens", "total_tokens", "reasoning_tokens")
    found = {
        name: sum(whole(row.get(name)) or 0 for row in rows) for name in names if any(row.get(name) for row in rows)
    }
    return found if set(names[:3]) <= set(found) else None


def log_generation(header: Mapping[str, Any]) -> dict[str, Any]:
    """The generation settings of a log: those of its last generate step, under those of the run."""
    steps = [
        part(step, "params") for step in rows_of(part(header, "plan").get("steps")) if step.get("solver") == "generate"
    ]
    given: dict[str, Any] = {}
    for source in (*steps[-1:], part(header, "eval", "model_generate_config"), part(header, "plan", "config")):
        given |= {name: value for name, value in source.items() if value is not None}
    return given


def inspect_limit(config: Mapping[str, Any]) -> int | None:
    """How many items a limited run asked; None for a run without a limit."""
    limit, chosen = config.get("limit"), config.get("sample_id")
    if isinstance(limit, list) and len(limit) == 2 and all(whole(bound) is not None for bound in limit):
        return max(int(limit[1]) - int(limit[0]), 0)
    if whole(limit) is not None:
        return int(limit)
    return None if chosen is None else len(chosen) if isinstance(chosen, list) else 1


def inspect_shots(spec: Mapping[str, Any]) -> int | None:
    """The number of examples in the prompt, where the task says it: in its arguments, its metadata or its name."""
    given = {**part(spec, "task_args"), **part(spec, "metadata")}
    for name in SHOTS_ARGUMENTS:
        if whole(given.get(name)) is not None and whole(given.get(name)) < 10_000:
            return whole(given.get(name))
    match = re.search(r"_(\d{1,2})_?shot", str(spec.get("task")))
    return int(match[1]) if match else None


def inspect_model_name(name: str, arguments: Mapping[str, Any]) -> tuple[str | None, str]:
    """(provider, model) of an inspect model.

    "hf/gpt2" -> (hf, gpt2); "hf//data/run/step_1" -> (hf, /data/run/step_1); "openai/gpt-4o" -> (openai, openai/gpt-4o)
    """
    provider, slash, rest = name.partition("/")
    if not slash:
        return None, name
    if provider in ("hf", "vllm", "sglang", "hf-inference-providers"):
        given = first(named(arguments.get("model_path")), named(arguments.get("model_name")))
        rest = given if given and rest == "local" else rest
        return provider, rest.split(":", 1)[0] if provider == "hf-inference-providers" else rest
    return provider, name


def read_inspect_json(
    origin: Origin, document: dict[str, Any], here: Here, files: Files
) -> Iterator[TaskRun | Trouble]:
    """The task of an inspect log in one JSON document."""
    runs: dict[str, list[dict[str, Any]]] = {}
    for sample in rows_of(document.get("samples")):
        runs.setdefault(f"{type(sample.get('id')).__name__} {sample.get('id')}", []).append(sample)
    for rows in runs.values():
        rows.sort(key=lambda row: whole(row.get("epoch")) or 0)
    yield from inspect_log(origin, document, document.get("reductions"), lambda: iter(runs.values()), bool(runs), here)


def read_inspect_archive(origin: Origin, here: Here, files: Files) -> Iterator[TaskRun | Trouble]:
    """The task of an .eval log; its samples are read one by one."""
    with LogArchive(origin.path) as archive:
        if "header.json" not in archive.names:
            start = archive.read("_journal/start.json") if "_journal/start.json" in archive.names else None
            if not isinstance(start, dict):
                raise ValueError("a zip archive, but no inspect log: neither header.json nor _journal/start.json in it")
            header = {"status": "started", "error": {"message": "the log has no end: the run was stopped"}, **start}
        else:
            header = archive.read("header.json")
        reductions = archive.read("reductions.json") if "reductions.json" in archive.names else None
        names = archive.samples()
    if not isinstance(header, dict) or not part(header, "eval"):
        raise ValueError("its header is none of an inspect log")

    def samples() -> Iterator[list[dict[str, Any]]]:
        with LogArchive(origin.path) as archive:
            for group in names.values():
                yield [row for row in map(archive.read, group) if isinstance(row, dict)]

    yield from inspect_log(origin, header, reductions, samples, bool(names), here)


def inspect_log(
    origin: Origin,
    header: dict[str, Any],
    reductions: Any,
    samples: Callable[[], Iterator[list[dict[str, Any]]]],
    has_samples: bool,
    here: Here,
) -> Iterator[TaskRun | Trouble]:
    """The task of an inspect log: its scores, or why there are none."""
    spec = part(header, "eval")
    task, arguments, config = named(spec.get("task")), part(spec, "model_args"), part(spec, "config")
    if task is None or named(spec.get("model")) is None:
        raise ValueError("an inspect log without a task or a model")
    moment = moment_of(first(spec.get("created"), part(header, "stats").get("started_at")))
    provider, name = inspect_model_name(named(spec["model"]), arguments)
    own = provider in INSPECT_ENGINES
    model = here.model(
        name,
        moment,
        named(arguments.get("revision")),
        engine=INSPECT_ENGINES.get(provider or ""),
        deployment="self_deployed" if own else "unknown" if provider in (None, "mockllm") else "externally_managed",
        platform=None if own or provider in (None, "mockllm") else provider,
    )
    scores = inspect_scores(header, reductions)
    generation, limit = log_generation(header), inspect_limit(config)
    settings = {
        "seed": first(generation.get("seed"), arguments.get("seed")),
        "dtype": first(arguments.get("dtype"), arguments.get("torch_dtype")),
        "backend": provider,
        "device": arguments.get("device"),
        "batch_size": generation.get("max_connections"),
        "do_sample": arguments.get("do_sample"),
        "max_model_len": arguments.get("max_model_len"),
        "tensor_parallel_size": arguments.get("tensor_parallel_size"),
        "system_prompt": generation.get("system_message"),
        "repeats": config.get("epochs"),
        "solver": ", ".join(str(step.get("solver")) for step in rows_of(part(header, "plan").get("steps"))) or None,
        "sandbox": part(spec, "sandbox").get("type"),
        "limit": limit,
        "sample_range": config.get("limit") if isinstance(config.get("limit"), list) else None,
    }
    library = {
        "task_version": spec.get("task_version"),
        "task_arguments": part(spec, "task_args"),
        "task_file": Path(named(spec.get("task_file")) or "").name or None,
        "inspect_evals": part(spec, "packages").get("inspect_evals"),
        "git_commit": part(spec, "revision").get("commit"),
        **{
            name: sum(
                whole(row.get(name)) or 0
                for row in part(header, "stats", "model_usage").values()
                if isinstance(row, dict)
            )
            or None
            for name in ("input_tokens", "output_tokens", "total_tokens", "reasoning_tokens")
        },
    }
    source, split = inspect_source_of(part(spec, "dataset"), task, moment, here)
    system = named(generation.get("system_message")) and generation["system_message"]
    total = whole(part(spec, "dataset").get("samples"))
    run = TaskRun(
        origin=origin,
        task=task,
        title=task,
        shots=inspect_shots(spec),
        model=model,
        version=here.version or bare_version(part(spec, "packages").get("inspect_ai")),
        library=library,
        source=source,
        generation_args={
            "temperature": finite(generation.get("temperature")),
            "max_tokens": whole(generation.get("max_tokens")),
            "top_p": finite(generation.get("top_p")),
            "top_k": finite(generation.get("top_k")),
        },
        settings=settings,
        moment=moment,
        scores=tuple(score.score for score in scores),
        samples=(lambda _: inspect_items(samples, scores, system, split, total, spec)) if has_samples else None,
        failure=inspect_failure(header, scores),
    )
    for row in rows_of(part(header, "results").get("scores")):
        for text, metric in part(row, "metrics").items():
            if inspect_group(metric):
                yield Trouble(str(origin.path), f"{single_line(text)}: a mean over a part of the items", task)
    if not scores and run.failure is None:
        reason = "it ended well and has no score: score it with `inspect score`"
        yield Trouble(str(origin.path), reason, task, failed=True)
        return
    yield run


def inspect_failure(header: Mapping[str, Any], scores: Sequence[LogScore]) -> str | None:
    """Why a log gives no score, or None."""
    status = header.get("status")
    if status != "success":
        message = single_line(part(header, "error").get("message") or "no reason given")
        return without_paths(f"inspect says {single_line(status)}: {message}")[:400]
    if header.get("invalidated") is True:
        return "the log was marked as invalid"
    rows = rows_of(part(header, "results").get("scores"))
    return "none of its metrics is a finite number" if rows and not scores else None


def inspect_items(
    samples: Callable[[], Iterator[list[dict[str, Any]]]],
    scores: Sequence[LogScore],
    system: str | None,
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
        yield inspect_item(runs, f"{split or 'sample'}/{name - 1}" if plain_row else str(name), scores, system)


def is_counted(name: Any, total: int) -> bool:
    """Whether an id is one of the numbers 1, 2, ... that inspect gives to items without an id."""
    return isinstance(name, int) and not isinstance(name, bool) and 1 <= name <= total


def inspect_source_of(
    dataset: Mapping[str, Any], task: str, moment: Moment, here: Here
) -> tuple[dict[str, Any], str | None]:
    """Where the items of a log come from, and their split when it is known."""
    location, total = named(dataset.get("location")), whole(dataset.get("samples"))
    path = Path(location) if location else None
    if path is not None and path.suffix in (".json", ".jsonl", ".csv") and path.is_file():
        folder, is_split = Path(os.path.abspath(path.parent)), path.stem in SPLIT_FILES
        digest = here.data(folder, moment) if is_split else None
        if not is_split and ran_before(moment, [path]) is False:
            digest = file_sha256(path)
        details = {
            "split": path.stem if is_split else None,
            "path": shown_path(folder if is_split else path),
            "data_sha256": digest,
            "samples_number": total,
        }
        return {"dataset_name": task, "source_type": "other", "additional_details": strings(details)}, details["split"]
    if location and location == dataset.get("name") and re.fullmatch(r"[\w.-]+/[\w.-]+", location):
        return hub_source(location, None, total, {}), None
    stem = (
        path.stem
        if path is not None and path.suffix in (".json", ".jsonl", ".csv") and path.stem in SPLIT_FILES
        else None
    )
    details = {"split": stem, "name": named(dataset.get("name")), "samples_number": total}
    return {"dataset_name": task, "source_type": "other", "additional_details": strings(details)}, stem
