"""inspect's logs, .eval and .json: the run, its settings, its model."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from parts.formats.files import LogArchive
from parts.formats.here import Here, ran_before
from parts.formats.inspect_items import InspectAsked, inspect_items
from parts.formats.inspect_scores import (
    LogScore,
    inspect_group,
    inspect_scores,
    reducers_said,
    short_hash,
    without_nothing,
)
from parts.formats.values import (
    as_detail,
    bare_version,
    finite,
    first,
    merged_settings,
    moment_of,
    named,
    part,
    rows_of,
    whole,
)
from parts.formats.vocabulary import (
    EvaluatedModel,
    Files,
    Moment,
    Origin,
    TaskRun,
    Trouble,
    hub_source,
)
from parts.frame import single_line
from parts.hashes import file_sha256
from parts.names import SPLIT_FILES
from parts.private import shown_path, without_paths
from parts.records.schema import strings

INSPECT_ENGINES = {"hf": "transformers", "vllm": "vllm", "sglang": "sglang", "ollama": "ollama"}
INSPECT_TOKENS = ("input_tokens", "output_tokens", "total_tokens", "reasoning_tokens")
INSPECT_RUN_IDS = {"run_id": "eval_id", "task_id": "task_id", "created": "created"}  # a record's name: the log's


SHOTS_ARGUMENTS = ("fewshot", "few_shot", "num_fewshot", "n_shots", "num_shots")


SELECTING = re.compile(
    r"(?:sub(?:ject|set|task)|categor(?:y|ie)|language|level|domain|topic|dataset_name)s?(?:_names?)?"
)


def inspect_title(spec: Mapping[str, Any]) -> str:
    """The task's name, with the part of its items that its arguments select: "mmlu_0_shot:subjects=anatomy"."""
    given = spec.get("task_args_passed")
    given = given if isinstance(given, dict) else part(spec, "task_args")
    chosen = []
    for name, value in given.items():
        texts = value if isinstance(value, list) else [value] if isinstance(value, str) else []
        texts = [
            single_line(text)[:80] for text in texts if isinstance(text, str | int) and str(text) not in ("", "all")
        ]
        chosen += [f"{name}={'+'.join(texts[:8])}"] if texts and SELECTING.fullmatch(str(name)) else []
    return single_line(spec.get("task")) + (f":{','.join(chosen)}" if chosen else "")


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
    """(provider, model) of an inspect model: who serves a model is not its owner.

    "hf/gpt2" -> (hf, gpt2); "hf//data/run/step_1" -> (hf, /data/run/step_1); "openai/o1" -> (openai, openai/o1);
    "openai/azure/gpt-4o" -> (openai/azure, openai/gpt-4o); "together/acme/base" -> (together, acme/base)
    """
    provider, slash, rest = name.partition("/")
    if not slash:
        return None, name
    if provider in ("hf", "vllm", "sglang", "hf-inference-providers"):
        given = first(named(arguments.get("model_path")), named(arguments.get("model_name")))
        rest = given if given and rest == "local" else rest
        return provider, rest.split(":", 1)[0] if provider == "hf-inference-providers" else rest
    service, slash, model = rest.partition("/")
    if not slash or not model or rest[0] in "/.~\\":
        return provider, name
    if service in INSPECT_CLOUDS:
        return f"{provider}/{service}", f"{provider}/{model.rsplit('/', 1)[-1]}"
    if provider == "openai-api":
        return f"{provider}/{service}", model if "/" in model else rest
    owner, _, model = rest.rpartition("/")
    owner = owner.rsplit("/", 1)[-1]
    return provider, f"{provider if owner == 'models' else owner}/{model}"


def inspect_adapter(provider: str | None, name: str) -> tuple[str, str | None, str | None]:
    """(model, base, revision): "acme/base:acme/base-lora@v2" under vLLM is an adapter on a base."""
    base, colon, adapter = name.partition(":")
    if provider != "vllm" or not colon or not adapter or re.match(r"[A-Za-z]$", base):
        return name, None, None
    found, _, revision = adapter.partition("@")
    return found, base, revision or None


INSPECT_CLOUDS = {"azure", "bedrock", "vertex"}  # that serve a lab's own models: anthropic/bedrock/...
INSPECT_BOOKKEEPING = {"epochs", "epochs_reducer", "limit", "sample_id", "score_display", "sandbox_cleanup", "log_dir"}


INSPECT_BOOKKEEPING |= {
    "sandbox_prebuilt",
    "log_samples",
    "log_realtime",
    "log_images",
    "continue_on_fail",
    "log_buffer",
    "log_shared",
}


INSPECT_BOOKKEEPING |= {"log_model_api", "log_refusals", "log_level", "acp_server", "eval_checkpoints_dir"}


INSPECT_NAMED = {
    "temperature",
    "max_tokens",
    "top_p",
    "top_k",
    "system_message",
    "max_connections",
    "seed",
    "tool_calls",
}


def inspect_settings(header: Mapping[str, Any], generation: Mapping[str, Any], provider: str | None) -> dict[str, Any]:
    """All that is set for a run: of the evaluation, the model, the generation, the solver, the task."""
    spec = part(header, "eval")
    arguments, config = part(spec, "model_args"), part(spec, "config")
    steps = rows_of(part(header, "plan").get("steps"))
    solver_args = [without_nothing(part(step, "params")) for step in steps]
    own = {
        "seed": first(generation.get("seed"), arguments.get("seed")),
        "dtype": first(arguments.get("dtype"), arguments.get("torch_dtype")),
        "backend": provider,
        "batch_size": generation.get("max_connections"),
        "system_prompt": generation.get("system_message"),
        "repeats": config.get("epochs"),
        "epochs_reducer": reducers_said(config),
        "solver": ", ".join(str(step.get("solver")) for step in steps) or None,
        "solver_args": solver_args if any(solver_args) else None,
        "task_args": part(spec, "task_args") or None,
        "sandbox": part(spec, "sandbox").get("type"),
        "sandbox_config": part(spec, "sandbox").get("config"),
        "limit": inspect_limit(config),
        "sample_range": config.get("limit") if isinstance(config.get("limit"), list) else None,
        "sample_id": config.get("sample_id"),
    }
    given = {name: value for name, value in arguments.items() if name not in INSPECT_MODEL_NAMES}
    return merged_settings(
        own,
        {name: value for name, value in generation.items() if name not in INSPECT_NAMED},
        {name: value for name, value in config.items() if name not in INSPECT_BOOKKEEPING},
        given,
    )


INSPECT_MODEL_NAMES = {"model_path", "model_name", "revision", "lora_modules", "subfolder", "torch_dtype", "seed"}


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
    spec, results = part(header, "eval"), part(header, "results")
    task, arguments, config = named(spec.get("task")), part(spec, "model_args"), part(spec, "config")
    if task is None or named(spec.get("model")) is None:
        raise ValueError("an inspect log without a task or a model")
    moment = moment_of(first(spec.get("created"), part(header, "stats").get("started_at")))
    provider, name = inspect_model_name(named(spec["model"]), arguments)
    model = inspect_model(provider, name, arguments, moment, here)
    scores = inspect_scores(header, reductions)
    generation = log_generation(header)
    source, split = inspect_source_of(part(spec, "dataset"), task, moment, here)
    system = named(generation.get("system_message")) and generation["system_message"]
    asked_of = InspectAsked(system, str(spec["model"]), whole(config.get("epochs")) or 1)
    total = whole(part(spec, "dataset").get("samples"))
    run = TaskRun(
        origin=origin,
        task=task,
        title=inspect_title(spec),
        shots=inspect_shots(spec),
        model=model,
        version=here.version or bare_version(part(spec, "packages").get("inspect_ai")),
        library=inspect_library(header),
        source=source,
        generation_args=generation_of_log(generation),
        settings=inspect_settings(header, generation, provider),
        moment=moment,
        scores=tuple(score.score for score in scores),
        run_ids={key: named(spec.get(own)) for key, own in INSPECT_RUN_IDS.items()},
        identity=f"{spec['eval_id']} {short_hash(results.get('scores'))}" if named(spec.get("eval_id")) else None,
        counts={} if has_samples else inspect_counts(results, config),
        samples=(lambda _: inspect_items(samples, scores, asked_of, split, total, spec)) if has_samples else None,
        promised=config.get("log_samples") is not False and bool(whole(results.get("total_samples"))),
        failure=inspect_failure(header, scores),
    )
    for row in rows_of(results.get("scores")):
        for text, metric in part(row, "metrics").items():
            if inspect_group(metric):
                yield Trouble(str(origin.path), f"{single_line(text)}: a mean over a part of the items", task)
    if scores or run.failure is not None:
        yield run
    else:
        reason = "it ended well and has no score: score it with `inspect score`"
        yield Trouble(str(origin.path), reason, task, failed=True)


def inspect_model(
    provider: str | None, name: str, arguments: Mapping[str, Any], moment: Moment, here: Here
) -> EvaluatedModel:
    """The model of a log, by its provider and name there and the arguments that it was loaded with."""
    name, base, adapter_revision = inspect_adapter(provider, name)
    own, served = provider in INSPECT_ENGINES, provider not in (None, "mockllm")
    return here.model(
        name,
        moment,
        first(adapter_revision, named(arguments.get("revision"))),
        details={
            "base_model": base,
            "adapter": first(name if base else None, as_detail(arguments.get("lora_modules"))),
            "subfolder": named(arguments.get("subfolder")),
            "quantization": named(arguments.get("quantization")),
        },
        engine=INSPECT_ENGINES.get(provider or ""),
        deployment="self_deployed" if own else "externally_managed" if served else "unknown",
        platform=provider if served and not own else None,
    )


def inspect_library(header: Mapping[str, Any]) -> dict[str, Any]:
    """What ran: the versions of the task and of its package, and the tokens that the model used."""
    spec = part(header, "eval")
    usage = part(header, "stats", "model_usage", str(spec.get("model")))
    return {
        "task_version": spec.get("task_version"),
        "task_file": Path(named(spec.get("task_file")) or "").name or None,
        "inspect_evals": part(spec, "packages").get("inspect_evals"),
        "git_commit": part(spec, "revision").get("commit"),
        **{name: whole(usage.get(name)) or None for name in INSPECT_TOKENS},
    }


def generation_of_log(generation: Mapping[str, Any]) -> dict[str, Any]:
    """The generation settings that a record has fields for."""
    return {
        "temperature": finite(generation.get("temperature")),
        "max_tokens": whole(generation.get("max_tokens")),
        "top_p": finite(generation.get("top_p")),
        "top_k": finite(generation.get("top_k")),
    }


def inspect_counts(results: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, int | None]:
    """What a log without items says of its attempts."""
    total, completed = whole(results.get("total_samples")), whole(results.get("completed_samples"))
    if total is None or completed is None or total < completed:
        return {}
    rows = rows_of(results.get("scores"))
    ungraded = max((whole(row.get("unscored_samples")) or 0 for row in rows), default=0)
    scored = (total if config.get("score_on_error") is True else completed) - ungraded
    return {"attempts": total, "scored": max(scored, 0), "no_value": ungraded, "errored": total - completed}


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


def inspect_source_of(
    dataset: Mapping[str, Any], task: str, moment: Moment, here: Here
) -> tuple[dict[str, Any], str | None]:
    """Where the items of a log come from, and their split when it is known."""
    location, total = named(dataset.get("location")), whole(dataset.get("samples"))
    path = Path(location) if location else None
    if path is not None and path.suffix in (".json", ".jsonl", ".csv") and path.is_file():
        folder, is_split = Path(os.path.abspath(path.parent)), path.stem in SPLIT_FILES
        digest = here.data(folder, moment) if is_split else None
        if not is_split and here.may_read(path) and ran_before(moment, [path]) is False:
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
