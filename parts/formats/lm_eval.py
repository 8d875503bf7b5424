"""lm-eval's result files and samples."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from parts.formats.here import Here
from parts.formats.lm_eval_columns import lm_eval_items
from parts.formats.lm_eval_filters import rows_name_filters, rows_with_filters
from parts.formats.lm_eval_items import LmEvalTask, lm_eval_aggregation, lm_eval_item, unasked_length
from parts.formats.values import (
    all_texts,
    as_detail,
    bare_version,
    finite,
    first,
    merged_settings,
    moment_in_name,
    moment_of,
    named,
    part,
    rows_of,
    stop_text,
    whole,
)
from parts.formats.vocabulary import (
    AskedItem,
    EvaluatedModel,
    Files,
    Moment,
    Origin,
    PlainItems,
    ScoreRead,
    TaskRun,
    Trouble,
    foreign_id,
    hub_source,
    is_path,
)
from parts.frame import single_line, slug
from parts.harness.metric_names import METRIC_IDS
from parts.harness.scorers import ADDRESS, LM_EVAL_GENERATION, lm_eval_metric_row, lm_eval_scorer
from parts.metric_directions import direction_in, metric_direction, unit_in
from parts.private import shown_path
from parts.records.schema import strings
from parts.vocabulary import normalize_name

LM_EVAL_BOOTSTRAPPED = {"bleu", "chrf", "ter", "f1", "f1_score", "mcc", "matthews_corrcoef", "perplexity", "median"}
LM_EVAL_PROMPT = ("description", "doc_to_text", "doc_to_choice", "target_delimiter", "fewshot_delimiter", "gen_prefix")
# No scores: what the harness says of a task, how sure it is, how much was asked. "bypass" is 999 in every task.
LM_EVAL_NO_SCORES = re.compile(
    r"\s*|alias|name|error|sample_len|samples|bypass|submission|.*_stderr(?:_clt|_clustered)?|solved_avg|run_stats|paired_\w+"
)
# Of --model_args: who was measured, and where; all others are settings.
LM_EVAL_IDENTITY = {
    "pretrained",
    "model",
    "model_name",
    "model_version",
    "peft",
    "lora_local_path",
    "delta",
    "revision",
}
LM_EVAL_IDENTITY |= {"subfolder", "gguf_file", "base_url", "lora_name"}
EVALCHEMY_MARKS = {"num_total", "run_stats", "accuracy_avg", "examples"}
# What Evalchemy's own benchmarks put beside their scores: how they were asked, and which of their metrics is the usual.
EVALCHEMY_SETTINGS = {"temperature", "max_tokens", "num_shot", "batch_size", "max_gpu_memory"}
EVALCHEMY_SIZES = ("num_total", "num_examples", "total_examples", "num_questions")
EVALCHEMY_PARTS = re.compile(r"accuracy_(?!avg$).*")  # of the items that its size counts
EVALCHEMY_IDS = {"accuracy_avg": "accuracy", "overall_accuracy": "accuracy", "python_pass@1": "pass_at_1"}
LM_EVAL_SQUAD = {f"{group}{metric}" for group in ("", "HasAns_", "NoAns_", "best_") for metric in ("exact", "f1")}
SQUAD_MARK = "NoAns_f1"  # metrics of SQuAD 2's own script, percent throughout: 0.807 is not 81 %
LM_EVAL_SUBGROUPS = re.compile(r"mmlu(?:_\w+)?_(?:stem|humanities|social_sciences|other)(?:_\w+)?")
LM_EVAL_ENGINES = {"hf": "transformers", "hf-causal": "transformers", "hf-causal-experimental": "transformers"}
LM_EVAL_ENGINES |= {"hf-auto": "transformers", "hf-seq2seq": "transformers", "hf-multimodal": "transformers"}
LM_EVAL_ENGINES |= {"vllm": "vllm", "vllm-vlm": "vllm", "sglang": "sglang", "gguf": "llama.cpp", "ggml": "llama.cpp"}


def lm_eval_family(document: Mapping[str, Any]) -> str | None:
    """Which harness of lm-eval's family wrote a JSON document: all keep its shape; None for any other document."""
    results = document.get("results")
    if not isinstance(results, dict):
        return None
    if "lmms_eval_version" in document:
        return "lmms-eval"
    known = {"config", "configs", "versions", "n-shot", "group_subtasks", "lm_eval_version"}
    general = part(document, "config")
    own = any(EVALCHEMY_MARKS & set(row) for row in results.values() if isinstance(row, dict))
    if own or ("annotator_model" in general and "model_args" in general):
        return "evalchemy"
    return "lm-eval" if len(known & set(document)) >= 2 else None


def lm_eval_arguments(given: Any) -> dict[str, Any]:
    """--model_args or --gen_kwargs as a dictionary; files have them as a text ("a=1,b=x"; JSON since 0.4.9) or as one.

    A comma inside brackets or braces is part of a value: "hf_overrides={'a': 1, 'b': 2},dtype=auto" has two.
    """
    if isinstance(given, dict):
        return {str(name): value for name, value in given.items()}
    if not isinstance(given, str):
        return {}
    with contextlib.suppress(ValueError):
        value = json.loads(given)
        return lm_eval_arguments(value if isinstance(value, dict) else None)
    pairs, depth, begun = [], 0, 0
    for index, character in enumerate(f"{given},"):
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth <= 0:
            pairs.append(given[begun:index].split("=", 1))
            begun, depth = index + 1, 0
    return {pair[0].strip(): pair[1].strip() for pair in pairs if len(pair) == 2}


def lm_eval_number(value: Any) -> Any:
    """A number that a command line gave as text."""
    with contextlib.suppress(ValueError, TypeError):
        return float(value) if isinstance(value, str) else value
    return value


def lm_eval_groups(document: Mapping[str, Any]) -> set[str]:
    """The keys under "results" that are averages over other tasks."""
    groups = set(part(document, "groups"))
    groups |= {name for name, tasks in part(document, "group_subtasks").items() if isinstance(tasks, list) and tasks}
    configs, results = part(document, "configs"), part(document, "results")
    return groups | ({name for name in results if name not in configs} if configs else lm_eval_indented(results))


def lm_eval_indented(results: Mapping[str, Any]) -> set[str]:
    """The groups in a file that says nothing of them (Evalchemy keeps lm-eval's rows alone): rows with others below.

    lm-eval indents the alias of each task under its group's (" - stem", "  - anatomy"), one space for each level.
    """
    depths = {}
    for name, row in results.items():
        found = re.match(r"( +)- ", str(row.get("alias") or "")) if isinstance(row, dict) else None
        depths[name] = len(found[1]) if found else 0
    following = zip(depths, [*list(depths.values())[1:], 0], strict=True)
    words = {name: name.split("_") for name, depth in depths.items() if depth}
    begun = [("_".join(row[:size]), depths[name]) for name, row in words.items() for size in range(1, min(len(row), 9))]
    return (
        {name for name, below in following if below == depths[name] + 1}
        | {name for name, depth in begun if name in depths and depths[name] < depth}
        | {name for name in depths if LM_EVAL_SUBGROUPS.fullmatch(name)}
    )


def evalchemy_rows(document: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """Evalchemy's file with rows of scores alone, and what is left out of each: parts of the items.

    Its own benchmarks (rows without lm-eval's "metric,filter") return what they like: texts and numbers that say how
    they were asked ("evalchemy_settings"), items, and LiveBench a dictionary "metrics" of averages, one of them of all.
    """
    rows, settings, counts, left = dict(part(document, "results")), {}, {}, {}
    for task, row in rows.items():
        if not isinstance(row, dict) or any("," in key for key in row):
            continue
        inner = part(row, "metrics")
        if "global_average" in inner:
            left[task] = [f"{single_line(name)}: a part of the items" for name in inner if name != "global_average"]
            inner = {"global_average": inner["global_average"]}
        own = {"alias", "error"}
        said = {name for name, value in row.items() if name in EVALCHEMY_SETTINGS or isinstance(value, str)} - own
        settings[task] = {name: value for name, value in row.items() if name in said}
        flat = {name: value for name, value in (row | inner).items() if name not in said}
        rows[task] = {name: value for name, value in flat.items() if not isinstance(value, list | dict) or name in own}
        asked = first(*(whole(row.get(name)) for name in EVALCHEMY_SIZES))
        rows[task]["sample_len"] = asked
        share = finite(row.get("completion_rate"))
        if asked and share is not None and 0 < share < 1:
            counts[task] = {"attempts": round(asked / share), "scored": asked, "no_value": round(asked / share) - asked}
    return {**document, "results": rows, "evalchemy_settings": settings, "evalchemy_counts": counts}, left


def lm_eval_keys(values: Mapping[str, Any]) -> list[tuple[str, str, str | None]]:
    """(key, metric, filter) of the scores in a task's results; before 0.4 and in Evalchemy there are no filters.

    What is no number at all is no score: lm-eval's aliases, the files that lmms-eval submits.
    """
    parts = [(key, *key.partition(",")) for key in values]
    return [(key, name, chosen or None) for key, name, _, chosen in parts if not LM_EVAL_NO_SCORES.fullmatch(name)]


def lm_eval_score(
    document: Mapping[str, Any], task: str, key: str, metric: str, chosen: str | None, family: str
) -> ScoreRead | None:
    """A metric of a task; None when its value is no finite number."""
    values, config = part(document, "results", task), part(document, "configs", task)
    value = finite(values[key])
    if value is None:
        return None
    own = unit_in(family, metric, task)
    found_metrics = {name.partition(",")[0] for name in values}
    aggregation = lm_eval_aggregation(config, metric)
    error = finite(values.get(f"{metric}_stderr,{chosen}" if chosen else f"{metric}_stderr"))
    draws = whole(part(document, "config").get("bootstrap_iters"))
    bootstrapped = aggregation in LM_EVAL_BOOTSTRAPPED
    row = lm_eval_metric_row(config, metric)
    higher = first(part(document, "higher_is_better", task).get(metric), row.get("higher_is_better"))
    said = not higher if isinstance(higher, bool) else None
    return ScoreRead(
        f"{metric},{single_line(chosen)}" if chosen else metric,
        EVALCHEMY_IDS.get(metric)
        if family == "evalchemy" and metric in EVALCHEMY_IDS
        else lm_eval_metric_id(values, config, metric, chosen),
        value,
        aggregation,
        **direction_in(family, metric, said, task),
        unit=("percent", 0.0, 100.0) if metric in LM_EVAL_SQUAD and SQUAD_MARK in found_metrics else own,
        scorer=lm_eval_scorer(config, metric, chosen),
        standard_error=error if error is not None and error >= 0 else None,
        method="bootstrap" if bootstrapped else "analytic" if aggregation in ("mean", "acc_all") else None,
        draws=(min(draws, 100) if aggregation in ("bleu", "chrf", "ter") else draws)
        if bootstrapped and draws
        else None,
        filter=chosen and single_line(chosen),
        count=first(whole(part(document, "n-samples", task).get("effective")), whole(values.get("sample_len")))
        if not metric.isdecimal() and not (family == "evalchemy" and EVALCHEMY_PARTS.fullmatch(metric))
        else None,  # RULER's lengths share the items
    )


def lm_eval_metric_id(values: Mapping[str, Any], config: Mapping[str, Any], metric: str, chosen: str | None) -> str:
    """The shared id of a metric; of one that is there for several filters, the first of the task's list has it alone.

    The order of keys says nothing: whoever writes the file again may sort them.
    """
    match = re.fullmatch(r"pass@(\d+)", metric)
    shared = f"pass_at_{match[1]}" if match else METRIC_IDS.get(metric, metric)
    filters = [other for _, name, other in lm_eval_keys(values) if name == metric]
    listed = [single_line(each.get("name")) for each in rows_of(config.get("filter_list"))]
    leading = chosen if len(filters) == 1 else next((name for name in listed if name in filters), None)
    return shared if chosen == leading else f"{shared}_{slug(str(chosen))}"


def lm_eval_split(config: Mapping[str, Any]) -> str | None:
    """The split whose items are asked."""
    return first(*(named(config.get(name)) for name in ("test_split", "validation_split")))


def lm_eval_generation_kwargs(config: Mapping[str, Any], general: Mapping[str, Any]) -> dict[str, Any]:
    """How text is generated: the task's own settings under those of the command line."""
    given = {**part(config, "generation_kwargs"), **lm_eval_arguments(general.get("gen_kwargs"))}
    return {name: lm_eval_number(value) for name, value in given.items()}


def lm_eval_generation(config: Mapping[str, Any], general: Mapping[str, Any]) -> dict[str, Any]:
    """How text is generated, as far as the file says it."""
    given = lm_eval_generation_kwargs(config, general)
    temperature = finite(given.get("temperature"))
    if temperature is None and given.get("do_sample") is False:
        temperature = 0.0
    limits = [whole(given.get(name)) for name in ("max_gen_toks", "max_new_tokens", "max_tokens", "max_length")]
    return {
        "temperature": temperature,
        "max_tokens": first(*limits),
        "top_p": finite(given.get("top_p")),
        "top_k": finite(given.get("top_k")),
    }


def read_lm_eval(origin: Origin, document: dict[str, Any], here: Here, files: Files) -> Iterator[TaskRun | Trouble]:
    """The tasks of an lm-eval results file."""
    general = part(document, "config")
    arguments = lm_eval_arguments(general.get("model_args"))
    moment = moment_of(document.get("date")) if document.get("date") else moment_in_name(origin.path.name)
    base = first(
        *(named(arguments.get(name)) for name in ("pretrained", "model", "model_name")),
        named(document.get("model_name")),
    )
    adapter = first(*(named(arguments.get(name)) for name in ("peft", "lora_local_path", "delta")))
    name = first(adapter, base)
    engine = LM_EVAL_ENGINES.get(str(general.get("model")))
    version = named(document.get("transformers_version")) if engine == "transformers" else None
    revision = first(
        named(general.get("model_sha")), named(arguments.get("revision")), named(general.get("model_revision"))
    )
    details = {
        "base_model": as_detail(base) if adapter else None,
        "adapter": as_detail(adapter),
        "subfolder": named(arguments.get("subfolder")),
        "gguf_file": as_detail(named(arguments.get("gguf_file"))),
        "quantization": lm_eval_quantization(arguments),
    }
    deployment = "self_deployed" if engine else "unknown"
    model = here.model(
        name, moment, revision, engine=engine, engine_version=version, deployment=deployment, details=details
    )
    if model.weights_sha256 and (details["subfolder"] or details["gguf_file"]):  # the folder's own were not loaded
        bound = {name: value for name, value in model.details.items() if name != "weights_bound_by"}
        model = replace(model, weights_sha256=None, details=bound)
    left: dict[str, list[str]] = {}
    if origin.format == "evalchemy":
        document, left = evalchemy_rows(document)
    groups = lm_eval_groups(document)
    shared = lm_eval_settings(document, arguments)
    wrong = lm_eval_conflicts(document)
    general_doubt = "" if here.model_id or origin.format != "lm-eval" else lm_eval_other_model(document, arguments)
    for group, text in wrong.groups.items():
        yield Trouble(str(origin.path), text, group, failed=True)
    for task, values in part(document, "results").items():
        if task in groups:
            yield Trouble(str(origin.path), "an average over tasks: recomputed, never imported", task)
        elif isinstance(values, dict):
            for run in lm_eval_task(origin, document, task, model, moment, shared, here, files):
                if isinstance(run, TaskRun) and (text := general_doubt or lm_eval_contradiction(document, task)):
                    yield Trouble(str(origin.path), f"it contradicts itself: {text}", task, failed=True)
                    details = ({**score.details, "contradiction": text} for score in run.scores)
                    scores = zip(run.scores, details, strict=True)
                    run = replace(run, scores=tuple(replace(score, details=own) for score, own in scores))
                yield wrong.told(run) if isinstance(run, TaskRun) else run
        else:
            yield Trouble(str(origin.path), "no scores under its name", task)
        for text in left.get(task, ()):
            yield Trouble(str(origin.path), text, task)


def lm_eval_other_model(document: Mapping[str, Any], arguments: Mapping[str, Any]) -> str:
    """What a file says of its model in two places, where these are two models: lm-eval names one of its arguments."""
    name = named(document.get("model_name"))
    given = [text for key, value in arguments.items() if key in LM_EVAL_IDENTITY and (text := named(value))]
    folded = {Path(text).name.casefold() for text in given}
    if not name or not given or Path(name).name.casefold() in folded or name in map(str, arguments.values()):
        return ""
    return f"model_name is {single_line(name)}, and model_args name {single_line(given[0])}"


def lm_eval_contradiction(document: Mapping[str, Any], task: str) -> str:
    """Where two places of a file say unlike things of a task: its name, its examples, which way of a metric is better.

    n-shot is num_fewshot, or where that is 0 what the task's metadata say of the examples in its own text.
    """
    config = part(document, "configs", task)
    name, shots, configured = named(config.get("task")), part(document, "n-shot").get(task), config.get("num_fewshot")
    if name and normalize_name(name) != normalize_name(task):
        return f"configs of {single_line(task)} are those of {single_line(name)}"
    written = (whole(configured), *([whole(part(config, "metadata").get("num_fewshot"))] if not configured else []))
    if None not in (whole(shots), whole(configured)) and whole(shots) not in written:
        return f"n-shot is {shots}, and num_fewshot {configured}"
    ways = part(document, "higher_is_better", task)
    for _, metric, _ in lm_eval_keys(part(document, "results", task)):
        said = {ways.get(metric), lm_eval_metric_row(config, metric).get("higher_is_better")}
        if {True, False} <= said or (False in said and metric_direction(metric) is False):
            return f"higher_is_better of {single_line(metric)} is {' and '.join(map(str, said - {None}))}"
    return ""


@dataclass(frozen=True)
class LmEvalConflicts:
    """Groups whose own row is not what their tasks make, and the tasks and metrics that this is about."""

    groups: Mapping[str, str]
    scores: Mapping[tuple[str, str], str]

    def told(self, run: TaskRun) -> TaskRun:
        """A task with the conflict beside each of its scores that is in one: no reader uses these."""
        if not self.scores:
            return run
        scores = tuple(
            replace(score, details={**score.details, "conflict": self.scores[run.task, score.name]})
            if (run.task, score.name) in self.scores
            else score
            for score in run.scores
        )
        return replace(run, scores=scores)


def lm_eval_conflicts(document: Mapping[str, Any]) -> LmEvalConflicts:
    """What a file's group rows say, held against their tasks: their mean, plain or by the number of items."""
    found: dict[str, str] = {}
    scores: dict[tuple[str, str], str] = {}
    for group in part(document, "group_subtasks"):
        leaves = lm_eval_leaves(document, group)
        row = part(document, "groups", group) or part(document, "results", group)
        for key, metric, chosen in lm_eval_keys(row):
            value, made = finite(row[key]), lm_eval_group_means(document, group, leaves, key)
            if value is None or not made or any(math.isclose(value, mean, rel_tol=1e-6, abs_tol=1e-9) for mean in made):
                continue
            text = (
                f"the file's own row of {single_line(group)} says {value:g}, its {len(leaves)} tasks make {made[0]:g}"
            )
            found[group] = f"{single_line(key)}: {text}"
            name = f"{metric},{single_line(chosen)}" if chosen else metric
            scores |= {(leaf, name): text for leaf in leaves}
    return LmEvalConflicts(found, scores)


def lm_eval_leaves(document: Mapping[str, Any], group: str, depth: int = 8) -> list[str]:
    """The tasks of a group and of the groups in it."""
    children = part(document, "group_subtasks").get(group)
    if not isinstance(children, list) or not children or not depth:
        return [group]
    return [leaf for child in map(str, children) for leaf in lm_eval_leaves(document, child, depth - 1)]


def lm_eval_group_means(document: Mapping[str, Any], group: str, leaves: Sequence[str], key: str) -> list[float]:
    """A group's score as its tasks (or the groups in it) make it: by the number of items, each once; [] if unknown."""
    means = []
    children = [str(name) for name in part(document, "group_subtasks").get(group) or ()]
    for names in (leaves, children):
        values = [finite(part(document, "results", name).get(key)) for name in names]
        sizes = [
            [whole(part(document, "n-samples", leaf).get("effective")) for leaf in lm_eval_leaves(document, name)]
            for name in names
        ]
        counts = [None if None in own else sum(own) for own in sizes]
        if names and None not in values and None not in counts and sum(counts):
            means.append(math.fsum(v * n for v, n in zip(values, counts, strict=True)) / sum(counts))
            means.append(math.fsum(values) / len(values))
    return means


def lm_eval_quantization(arguments: Mapping[str, Any]) -> str | None:
    """How the weights were rounded, where the command says it."""
    given = named(arguments.get("quantization"))
    for name, text in (("load_in_4bit", "4bit"), ("load_in_8bit", "8bit"), ("autogptq", "gptq"), ("gptqmodel", "gptq")):
        if given is None and str(arguments.get(name)).lower() not in ("false", "none", ""):
            given = text
    return given


def lm_eval_settings(document: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What is set for all tasks of a file: all of --model_args but who was measured, seeds, the chat template."""
    general, template = part(document, "config"), document.get("chat_template", "unknown")
    named_ones = {
        **{name: general.get(name) for name in ("random_seed", "numpy_seed", "torch_seed", "fewshot_seed")},
        "dtype": (named(first(general.get("model_dtype"), arguments.get("dtype"))) or "").removeprefix("torch.")
        or None,
        "batch_size": general.get("batch_size"),
        "backend": named(general.get("model")),
        "device": general.get("device"),
        "use_chat_template": None if template == "unknown" else bool(template),
        "chat_template_sha": document.get("chat_template_sha"),
        "fewshot_as_multiturn": document.get("fewshot_as_multiturn"),
        "system_prompt": document.get("system_instruction"),
        "max_length": document.get("max_length"),
    }
    return merged_settings(named_ones, {name: arguments[name] for name in arguments if name not in LM_EVAL_IDENTITY})


def lm_eval_task(
    origin: Origin,
    document: dict[str, Any],
    task: str,
    model: EvaluatedModel,
    moment: Moment,
    shared: Mapping[str, Any],
    here: Here,
    files: Files,
) -> Iterator[TaskRun | Trouble]:
    """One task of an lm-eval results file; `shared` is set for all its tasks."""
    general, config = part(document, "config"), part(document, "configs", task)
    values, counts = part(document, "results", task), part(document, "n-samples", task)
    kept, troubles = lm_eval_scores(origin, document, task)
    yield from troubles
    if not lm_eval_keys(values) and any(key.partition(",")[0] == "bypass" for key in values):
        yield Trouble(str(origin.path), "answers without scores (--predict_only)", task)
        return
    told = part(document, "n-shot").get(task), config.get("num_fewshot"), general.get("num_fewshot")
    shots = first(*map(whole, told))
    samples = files.lm_eval_samples(origin.path, task, part(document, "results"))
    reader, in_spans = lm_eval_reader(samples, document, task, kept, shots) if samples else (None, False)
    yield TaskRun(
        origin=origin,
        task=task,
        title=single_line(task) or "unnamed",
        shots=shots,
        model=model,
        version=here.version or bare_version(first(document.get("lmms_eval_version"), document.get("lm_eval_version"))),
        library={"task_version": part(document, "versions").get(task), "git_hash": named(document.get("git_hash"))},
        source=lm_eval_source(config, task, whole(counts.get("original")), moment, here),
        generation_args=lm_eval_generation(config, general) if lm_eval_generative(config) else {},
        settings=lm_eval_task_settings(origin, document, task, shots, shared),
        moment=moment,
        counts=part(document, "evalchemy_counts", task),
        scores=tuple(score for score, _, _ in kept),
        samples=reader,
        sample_file=samples,
        in_spans=in_spans,
        promised=bool(part(document, "task_hashes").get(task)),
        failure=None if kept else named(values.get("error")) or "none of its metrics is a finite number",
    )


def lm_eval_scores(
    origin: Origin, document: dict[str, Any], task: str
) -> tuple[list[tuple[ScoreRead, str, str | None]], list[Trouble]]:
    """A task's scores with the metric and the filter of each, and why others are none."""
    values = part(document, "results", task)
    kept, troubles = [], []
    for key, metric, chosen in lm_eval_keys(values):
        if unasked_length(metric, values[key]):
            reason = f"{single_line(key)}: nothing of that length was asked, no score"
            troubles.append(Trouble(str(origin.path), reason, task))
            continue
        score = lm_eval_score(document, task, key, metric, chosen, origin.format)
        if score is None:
            reason = f"{single_line(key)} is {as_detail(values[key])!r}: no finite number"
            troubles.append(Trouble(str(origin.path), reason, task, failed=True))
        else:
            kept.append((score, metric, chosen))
    return kept, troubles


def lm_eval_task_settings(
    origin: Origin, document: dict[str, Any], task: str, shots: int | None, shared: Mapping[str, Any]
) -> dict[str, Any]:
    """All that is set for a task, with what is set for all tasks of its file."""
    general, config = part(document, "config"), part(document, "configs", task)
    generative = lm_eval_generative(config)
    limit = finite(general.get("limit"))
    if limit is not None and 0 < limit < 1:  # a share of the items
        limit = whole(part(document, "n-samples", task).get("effective"))
    sampling = lm_eval_generation_kwargs(config, general) if generative else {}
    return merged_settings(
        {
            "few_shot_split": lm_eval_shots_split(config) if shots and config else None,
            "stop": stop_text(part(config, "generation_kwargs").get("until")) if generative else None,
            "limit": int(limit) if limit is not None and limit == int(limit) else general.get("limit"),
            "template_sha256": lm_eval_template(config),
        },
        {name: value for name, value in sampling.items() if name not in {*LM_EVAL_GENERATION, "until"}},
        shared,
        {"grader_model": general.get("annotator_model") if origin.format == "evalchemy" else None},
        part(document, "evalchemy_settings", task),
    )


def lm_eval_generative(config: Mapping[str, Any]) -> bool:
    """Whether a task's answers are texts."""
    return config.get("output_type") == "generate_until"


def lm_eval_reader(
    samples: Path,
    document: dict[str, Any],
    task: str,
    kept: Sequence[tuple[ScoreRead, str, str | None]],
    shots: int | None,
) -> tuple[Callable[..., Iterator[AskedItem | PlainItems]], bool]:
    """What reads the items of a task's samples file, and whether it takes the begin and end of a piece of it."""
    config = part(document, "configs", task)
    filters, ordered = lm_eval_filters(config, [chosen for _, _, chosen in kept])
    no_template = "chat_template" in document and document["chat_template"] is None
    reading = LmEvalTask(
        tuple((score.name, metric, chosen) for score, metric, chosen in kept),
        config,
        lm_eval_split(config) or "test",
        lm_eval_generative(config),
        shots,
        no_template,
        bool(filters),
    )
    if not filters or rows_name_filters(samples):
        return lambda own_ids, *span: lm_eval_items(samples, reading, own_ids, *span), True
    means = {(metric, chosen): score.value for score, metric, chosen in kept if chosen and score.aggregation == "mean"}

    def items(own_ids: bool) -> Iterator[AskedItem]:
        return (lm_eval_item(row, reading, own_ids) for row in rows_with_filters(samples, filters, ordered, means))

    return items, False


def lm_eval_template(config: Mapping[str, Any]) -> str | None:
    """A hash of all in a task's configuration that makes its prompts, so that files without items tell other ones;
    None where it does not say how it asks. Functions are told by their text, without their place in memory."""
    if not config.get("doc_to_text"):
        return None
    asked = {name: config[name] for name in LM_EVAL_PROMPT if config.get(name) is not None}
    text = ADDRESS.sub("", json.dumps(asked, sort_keys=True, default=str))
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()


def lm_eval_filters(config: Mapping[str, Any], scored: Sequence[str | None]) -> tuple[list[str], bool]:
    """A task's filters where it has several, and whether they are in the configuration's order; `scored`: those of
    its scores."""
    listed = list(dict.fromkeys(str(each.get("name")) for each in rows_of(config.get("filter_list"))))
    found = list(dict.fromkeys(name for name in scored if name is not None))
    ordered = set(found) <= set(listed)
    filters = listed if ordered else found
    return (filters, ordered) if len(filters) > 1 else ([], ordered)


def lm_eval_shots_split(config: Mapping[str, Any]) -> str:
    """The split that the examples in the prompt come from."""
    return (
        first(*(named(config.get(f"{name}_split")) for name in ("fewshot", "training", "validation")))
        or "the evaluated split"
    )


def lm_eval_source(
    config: Mapping[str, Any], task: str, total: int | None, moment: Moment, here: Here
) -> dict[str, Any]:
    """Where the items of an lm-eval task come from."""
    repo, split, asked = named(config.get("dataset_path")), lm_eval_split(config), part(config, "dataset_kwargs")
    details = {"subset": named(config.get("dataset_name")), "split": split}
    files = [Path(text) for text in all_texts(list(part(asked, "data_files").values()) or asked.get("data_files"))]
    if repo and (is_path(repo) or Path(repo).is_dir()) and not files:
        folder = Path(repo)
        details["path"] = shown_path(folder) if folder.is_dir() else foreign_id(repo)
        details["data_sha256"] = here.data(folder, moment) if folder.is_dir() else None
    elif files:
        files = [Path(asked["data_dir"]) / path for path in files] if named(asked.get("data_dir")) else files
        folder = Path(os.path.commonpath([os.path.abspath(path.parent) for path in files]))
        names = [Path(os.path.abspath(path)).relative_to(folder).as_posix() for path in files]
        local = all(path.is_file() for path in files)
        details |= {"path": shown_path(folder) if local else None, "data_files": ",".join(sorted(names))}
        details["data_sha256"] = here.data(folder, moment, names) if local else None
    elif repo:
        return hub_source(repo, split, total, details | {"revision": named(asked.get("revision"))})
    details["samples_number"] = total
    return {"dataset_name": single_line(task), "source_type": "other", "additional_details": strings(details)}
