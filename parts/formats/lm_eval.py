"""lm-eval's result files and samples."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parts.formats.files import json_lines
from parts.formats.here import Here
from parts.formats.values import (
    all_texts,
    as_detail,
    bare_version,
    finite,
    first,
    moment_in_name,
    moment_of,
    named,
    part,
    rows_of,
    whole,
)
from parts.formats.vocabulary import (
    AskedItem,
    EvaluatedModel,
    Files,
    Moment,
    Origin,
    ScoreRead,
    TaskRun,
    Trouble,
    foreign_id,
    hub_source,
    is_path,
)
from parts.frame import single_line, slug
from parts.harness.metric_names import LOWER_IS_BETTER, METRIC_IDS
from parts.private import shown_path
from parts.records.schema import strings

TEMPLATE_FIELD = re.compile(r"\{\{\s*(.*?)\s*\}\}", re.DOTALL)  # of a task's prompt: "{{question}}"

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
LM_EVAL_BOOTSTRAPPED = {"bleu", "chrf", "ter", "f1", "f1_score", "mcc", "matthews_corrcoef", "perplexity", "median"}
LM_EVAL_ENGINES = {"hf": "transformers", "hf-causal": "transformers", "hf-causal-experimental": "transformers"}
LM_EVAL_ENGINES |= {"hf-auto": "transformers", "hf-seq2seq": "transformers", "hf-multimodal": "transformers"}
LM_EVAL_ENGINES |= {"vllm": "vllm", "vllm-vlm": "vllm", "sglang": "sglang", "gguf": "llama.cpp", "ggml": "llama.cpp"}


def lm_eval_arguments(config: Mapping[str, Any]) -> dict[str, str]:
    """--model_args as a dictionary; files have it as a text or as one."""
    given = config.get("model_args")
    if isinstance(given, dict):
        return {str(name): value if isinstance(value, str) else json.dumps(value) for name, value in given.items()}
    pairs = [text.split("=", 1) for text in str(given or "").split(",") if "=" in text]
    return {name.strip(): value.strip() for name, value in pairs}


def lm_eval_groups(document: Mapping[str, Any]) -> set[str]:
    """The keys under "results" that are averages over other tasks."""
    groups = set(part(document, "groups"))
    groups |= {name for name, tasks in part(document, "group_subtasks").items() if isinstance(tasks, list) and tasks}
    configs = part(document, "configs")
    return groups | ({name for name in part(document, "results") if name not in configs} if configs else set())


def lm_eval_aggregation(config: Mapping[str, Any], metric: str) -> str | None:
    """How items are added up; None when the file does not say and the harness has no rule of its own."""
    row = next((row for row in rows_of(config.get("metric_list")) if row.get("metric") == metric), {})
    rule = row.get("aggregation")
    if isinstance(rule, str):
        return named(rule)
    return "mean" if metric in LM_EVAL_MEANS else LM_EVAL_OTHERS.get(metric)


def lm_eval_keys(values: Mapping[str, Any]) -> list[tuple[str, str, str | None]]:
    """(key, metric, filter) of the scores in a task's results; before 0.4 there are no filters."""
    found = []
    for key in values:
        metric, _, chosen = key.partition(",")
        if metric in ("alias", "name", "sample_len", "sample_count", "samples", " ", "") or metric.endswith("_stderr"):
            continue
        found.append((key, metric, chosen or None))
    return found


def lm_eval_score(
    document: Mapping[str, Any], task: str, key: str, metric: str, chosen: str | None
) -> ScoreRead | None:
    """A metric of a task; None when its value is no finite number."""
    values, config = part(document, "results", task), part(document, "configs", task)
    value = finite(values[key])
    if value is None:
        return None
    aggregation = lm_eval_aggregation(config, metric)
    error = finite(values.get(f"{metric}_stderr,{chosen}" if chosen else f"{metric}_stderr"))
    draws = whole(part(document, "config").get("bootstrap_iters"))
    bootstrapped = aggregation in LM_EVAL_BOOTSTRAPPED
    higher = first(part(document, "higher_is_better", task).get(metric), lm_eval_direction(config, metric))
    return ScoreRead(
        f"{metric},{single_line(chosen)}" if chosen else metric,
        lm_eval_metric_id(values, metric, chosen),
        value,
        aggregation,
        lower_is_better=higher is False or (higher is None and metric in LOWER_IS_BETTER),
        standard_error=error if error is not None and error >= 0 else None,
        method="bootstrap" if bootstrapped else "analytic" if aggregation in ("mean", "acc_all") else None,
        draws=(min(draws, 100) if aggregation in ("bleu", "chrf", "ter") else draws)
        if bootstrapped and draws
        else None,
        filter=chosen and single_line(chosen),
        count=first(whole(part(document, "n-samples", task).get("effective")), whole(values.get("sample_len"))),
    )


def lm_eval_metric_id(values: Mapping[str, Any], metric: str, chosen: str | None) -> str:
    """The shared id of a metric; of one that is there for several filters, the first has it alone."""
    match = re.fullmatch(r"pass@(\d+)", metric)
    shared = f"pass_at_{match[1]}" if match else METRIC_IDS.get(metric, metric)
    leading = next((other for _, name, other in lm_eval_keys(values) if name == metric), chosen)
    return shared if chosen == leading else f"{shared}_{slug(str(chosen))}"


def lm_eval_direction(config: Mapping[str, Any], metric: str) -> Any:
    """higher_is_better in a task's configuration, or None."""
    row = next((row for row in rows_of(config.get("metric_list")) if row.get("metric") == metric), {})
    return row.get("higher_is_better")


def lm_eval_requests(line: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """The arguments of an item's requests: a list of lists, or since 0.4.3 dictionaries with numbered keys."""
    given = line.get("arguments")
    if isinstance(given, dict):
        rows = [given[key] for key in sorted(given, key=by_number)]
        return [tuple(row[name] for name in sorted(row, key=by_number)) for row in rows if isinstance(row, dict)]
    return [tuple(row) for row in given if isinstance(row, list)] if isinstance(given, list) else []


def by_number(key: str) -> tuple[int, str]:
    """Sort key for names that differ in the number at their end: arg_9 before arg_10."""
    return len(key), key


def lm_eval_chances(line: Mapping[str, Any]) -> list[float | None]:
    """The log-likelihood of each choice; files have numbers or texts."""
    found = []
    for reply in line.get("filtered_resps") if isinstance(line.get("filtered_resps"), list) else []:
        value = reply[0] if isinstance(reply, list) and reply else None
        with contextlib.suppress(ValueError, TypeError):
            value = float(value)
        found.append(finite(value))
    return found


def lm_eval_answers(
    line: Mapping[str, Any], choices: Sequence[str], scores: Mapping[str, str], delimiter: str
) -> dict[str, list[str]]:
    """The choice that each metric of a multiple-choice item takes: the most likely, for acc_norm per character."""
    chances = lm_eval_chances(line)[: len(choices)]
    if len(choices) < 2 or len(chances) < len(choices) or None in chances:
        return {}
    texts_alone = [choice.removeprefix(delimiter) for choice in choices]
    lengths = {
        "acc_norm": [len(text) for text in texts_alone],
        "acc_bytes": [len(text.encode(errors="replace")) for text in texts_alone],
    }
    found = {}
    for score, metric in scores.items():
        sizes = lengths.get(metric, [1] * len(choices))
        weighed = [chance / max(size, 1) for chance, size in zip(chances, sizes, strict=True)]
        found[score] = [choices[max(range(len(weighed)), key=weighed.__getitem__)]]
    return found


def lm_eval_question(doc: Mapping[str, Any], task: LmEvalTask, prompt: str | None) -> str:
    """The item as the task asks it, without shots.

    From a template of plain fields ("Q: {{question}}\\nA:"); else what the prompt has behind its shots, when their
    number shows where they end; else the data set's row, so that runs with other shots have the same text.
    """
    template = task.config.get("doc_to_text")
    if isinstance(template, str) and isinstance(doc.get(template), str):
        return doc[template]
    if isinstance(template, str) and "{%" not in template:
        fields = TEMPLATE_FIELD.findall(template)
        if fields and all(isinstance(doc.get(field), str | int) for field in fields):
            return TEMPLATE_FIELD.sub(lambda match: str(doc[match[1]]), template)
    description = str(task.config.get("description") or "")
    if prompt is not None and task.no_template and task.shots is not None and "{{" not in description:
        pieces = prompt.removeprefix(description).split(str(task.config.get("fewshot_delimiter", "\n\n")) or "\0")
        if len(pieces) == task.shots + 1:
            return pieces[-1]
    return json.dumps(doc, ensure_ascii=False, sort_keys=True)


def lm_eval_item(line: Mapping[str, Any], task: LmEvalTask, own_ids: bool) -> AskedItem:
    """One line of a samples file: one item with the answer that one filter left."""
    doc, requests = part(line, "doc"), lm_eval_requests(line)
    prompts = list(dict.fromkeys(request[0] for request in requests if request and isinstance(request[0], str)))
    endings = [request[1] for request in requests if len(request) > 1 and isinstance(request[1], str)]
    several = len(prompts) > 1 and len(set(endings)) == 1
    choices = prompts if several else endings
    used = line.get("filter")
    scores = {score: metric for score, metric, chosen in task.scores if chosen is None or used in (None, chosen)}
    values = {score: finite(line[metric]) for score, metric in scores.items() if is_single(line.get(metric))}
    replies = line.get("resps") if isinstance(line.get("resps"), list) else []
    kept = line.get("filtered_resps")
    read = all_texts(kept[0])[:1] if task.generative and isinstance(kept, list) and kept else []
    raw = lm_eval_question(doc, task, prompts[0] if prompts and not several else None)
    return AskedItem(
        id=str(doc["id"]) if own_ids and doc.get("id") not in (None, "") else f"{task.split}/{line['doc_id']}",
        raw=raw,
        references=lm_eval_references(line.get("target"), choices if endings and not task.generative else ()),
        answers=all_texts(replies[:1]) if task.generative else [],
        values=values,
        choices=choices if len(choices) > 1 else None,
        prompt="\n".join(prompts) if prompts else None,
        shown=lm_eval_answers(line, choices, scores, str(task.config.get("target_delimiter", " "))),
        found=(read[0], f"lm-eval {single_line(used)}") if read and used not in (None, "none") else None,
        generative=task.generative,
        unparsed="[invalid]" in read,
    )


def is_single(value: Any) -> bool:
    """Whether an item's value is one number, or the NaN of an item that could not be scored."""
    return isinstance(value, bool | int | float)


def lm_eval_references(target: Any, choices: Sequence[str]) -> list[str]:
    """The references of an item: the right choices where the target is their numbers.

    lm-eval writes the number that a template gave as text ("3"): it is a number unless a choice reads so.
    """
    targets = target if isinstance(target, list) else [target]
    texts = {choice.strip() for choice in choices}
    numbers = [int(value) if isinstance(value, str) and value.isdecimal() else value for value in targets]
    places = [whole(value) for value, said in zip(numbers, targets, strict=True) if said not in texts]
    found = [choices[place] for place in places if place is not None and place < len(choices)]
    return found or [str(value) for value in targets]


@dataclass(frozen=True)
class LmEvalTask:
    """What is needed to read a samples file; `scores` are (score, metric, filter)."""

    scores: tuple[tuple[str, str, str | None], ...]
    config: Mapping[str, Any]
    split: str
    generative: bool
    shots: int | None
    no_template: bool


def lm_eval_split(config: Mapping[str, Any]) -> str | None:
    """The split whose items are asked."""
    return first(*(named(config.get(name)) for name in ("test_split", "validation_split")))


def lm_eval_generation(config: Mapping[str, Any], general: Mapping[str, Any]) -> dict[str, Any]:
    """How text is generated, as far as the file says it."""
    given = {**part(config, "generation_kwargs"), **part(general, "gen_kwargs")}
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
    arguments = lm_eval_arguments(general)
    moment = moment_of(document.get("date")) if document.get("date") else moment_in_name(origin.path.name)
    base = first(
        *(named(arguments.get(name)) for name in ("pretrained", "model", "model_name")),
        named(document.get("model_name")),
    )
    name = first(named(arguments.get("peft")), base)
    if name is None:
        raise ValueError("it does not say which model was measured")
    engine = LM_EVAL_ENGINES.get(str(general.get("model")))
    version = named(document.get("transformers_version")) if engine == "transformers" else None
    revision = first(
        named(general.get("model_sha")), named(arguments.get("revision")), named(general.get("model_revision"))
    )
    details = {"base_model": as_detail(base)} if arguments.get("peft") else {}
    deployment = "self_deployed" if engine else "unknown"
    model = here.model(
        name, moment, revision, engine=engine, engine_version=version, deployment=deployment, details=details
    )
    groups = lm_eval_groups(document)
    for task, values in part(document, "results").items():
        if task in groups:
            yield Trouble(str(origin.path), "an average over tasks: recomputed, never imported", task)
        elif isinstance(values, dict):
            yield from lm_eval_task(origin, document, task, model, moment, here, files)
        else:
            yield Trouble(str(origin.path), "no scores under its name", task)


def lm_eval_task(
    origin: Origin,
    document: dict[str, Any],
    task: str,
    model: EvaluatedModel,
    moment: Moment,
    here: Here,
    files: Files,
) -> Iterator[TaskRun | Trouble]:
    """One task of an lm-eval results file."""
    general, config = part(document, "config"), part(document, "configs", task)
    values, arguments = part(document, "results", task), lm_eval_arguments(general)
    read = {
        key: (lm_eval_score(document, task, key, metric, chosen), metric, chosen)
        for key, metric, chosen in lm_eval_keys(values)
    }
    for key, (score, _, _) in read.items():
        if score is None:
            yield Trouble(
                str(origin.path),
                f"{single_line(key)} is {as_detail(values[key])!r}: no finite number",
                task,
                failed=True,
            )
    kept = [(score, metric, chosen) for score, metric, chosen in read.values() if score is not None]
    shots = first(
        *(
            whole(value)
            for value in (part(document, "n-shot").get(task), config.get("num_fewshot"), general.get("num_fewshot"))
        )
    )
    counts = part(document, "n-samples", task)
    limit = finite(general.get("limit"))
    if limit is not None and 0 < limit < 1:  # a share of the items
        limit = whole(counts.get("effective"))
    template = document.get("chat_template", "unknown")
    settings = {
        "few_shot_split": lm_eval_shots_split(config) if shots and config else None,
        **{name: general.get(name) for name in ("random_seed", "numpy_seed", "torch_seed", "fewshot_seed")},
        "stop": stops_of(config) if config.get("output_type") == "generate_until" else None,
        "dtype": first(named(general.get("model_dtype")), arguments.get("dtype"), "").removeprefix("torch.") or None,
        "batch_size": general.get("batch_size"),
        "backend": named(general.get("model")),
        "device": general.get("device"),
        "use_chat_template": None if template == "unknown" else bool(template),
        "fewshot_as_multiturn": document.get("fewshot_as_multiturn"),
        "system_prompt": document.get("system_instruction"),
        "max_length": document.get("max_length"),
        "tensor_parallel_size": arguments.get("tensor_parallel_size"),
        "limit": int(limit) if limit is not None and limit == int(limit) else general.get("limit"),
        "trust_remote_code": arguments.get("trust_remote_code"),
    }
    library = {"task_version": part(document, "versions").get(task), "git_hash": named(document.get("git_hash"))}
    generative = config.get("output_type") == "generate_until"
    samples = files.lm_eval_samples(origin.path, task, part(document, "results"))
    names = tuple((score.name, metric, chosen) for score, metric, chosen in kept)
    reading = LmEvalTask(names, config, lm_eval_split(config) or "test", generative, shots, template is None)
    yield TaskRun(
        origin,
        task,
        single_line(task) or "unnamed",
        shots,
        model,
        here.version or bare_version(document.get("lm_eval_version")),
        library,
        lm_eval_source(config, task, whole(counts.get("original")), moment, here),
        lm_eval_generation(config, general) if generative else {},
        settings,
        moment,
        tuple(score for score, _, _ in kept),
        samples=(lambda own: (lm_eval_item(line, reading, own) for line in json_lines(samples))) if samples else None,
        sample_file=samples,
        failure=None if kept else "none of its metrics is a finite number",
    )


def stops_of(config: Mapping[str, Any]) -> str | None:
    """Where an answer ends, as JSON."""
    stops = all_texts(part(config, "generation_kwargs").get("until"))
    return json.dumps(stops, ensure_ascii=False) if stops else None


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
