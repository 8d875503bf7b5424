"""lighteval's result files and details, old and new."""

from __future__ import annotations

import ast
import contextlib
import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from parts.checkpoints import has_chat_template
from parts.formats.corpus_items import corpus_statistic, item_score, rule_formula
from parts.formats.files import parquet_columns, parquet_rows
from parts.formats.here import Here, own_ids_of, rows_in
from parts.formats.values import (
    all_texts,
    as_detail,
    bare_version,
    bounded_metadata,
    finite,
    first,
    merged_settings,
    moment_in_name,
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
    RepeatedIds,
    ScoreRead,
    TaskRun,
    Trouble,
    foreign_id,
    hub_source,
    is_path,
)
from parts.frame import single_line
from parts.harness.metric_names import CORPUS_AGGREGATIONS, metric_ids
from parts.harness.scorers import lighteval_scorer
from parts.metric_directions import direction_in, unit_in
from parts.names import SUITES
from parts.private import shown_path
from parts.records.schema import strings
from parts.statistics.item_statistics import FROM_RATIOS

DETAILS_COLUMNS = [
    *("doc", "metric", "model_response.input", "model_response.text", "model_response.text_post_processed"),
    *("model_response.reasonings", "model_response.logprobs", "model_response.output_tokens"),
]
OLD_DETAILS_COLUMNS = [
    *("example", "instruction", "full_prompt", "predictions", "gold", "gold_index", "choices", "metrics"),
]


# Columns that are Python text in the details of lighteval 0.5 to 0.7.
OLD_LITERALS = {"predictions", "gold", "gold_index", "choices", "metrics"}
MOST_LITERAL = 1 << 20  # characters of such a text
NUMPY_SCALAR = re.compile(r"(?:np|numpy)\.\w+\(([^()]*)\)")
BARE_NUMBERS = re.compile(r"\b(?:nan|inf)\b")
# Of a model's configuration: who was measured, where, and what has a name of its own in the record.
LIGHTEVAL_LEFT_OUT = {
    "model_name",
    "pretrained",
    "revision",
    "subfolder",
    "generation_parameters",
    "cache_dir",
    "base_url",
}
LIGHTEVAL_LEFT_OUT |= {"override_chat_template", "max_model_length", "max_length", "api_key", "delta_weights"}
FIRST_ALONE = "lighteval has scored the first answer alone, against the references of all"
LIGHTEVAL_SAMPLING = {"temperature", "max_new_tokens", "top_p", "top_k", "seed"}


def lighteval_name(key: str) -> tuple[str, int | None]:
    """(task, shots) of a key in a result file.

    "gsm8k|5" -> (gsm8k, 5); "leaderboard|mmlu:anatomy|5|0" -> (mmlu:anatomy, 5); "harness|drop|3" -> (drop, 3)
    """
    parts = key.split("|")
    if len(parts) == 4 and parts[3] in ("0", "1"):  # the old flag "fewer shots when the prompt is too long"
        parts.pop()
    shots = int(parts.pop()) if len(parts) > 1 and re.fullmatch(r"\d{1,4}", parts[-1]) else None
    if len(parts) > 1 and parts[0] in SUITES:
        parts = parts[1:]
    return single_line("|".join(parts)) or "unnamed", shots


def lighteval_task_config(document: Mapping[str, Any], key: str) -> dict[str, Any]:
    """A task's configuration; older files key it without the shots."""
    configs = part(document, "config_tasks")
    bare = re.sub(r"(\|\d+)+$", "", key)
    return part(configs, key) or part(configs, bare) or part(configs, f"{bare}|{key.rsplit('|', 1)[-1]}")


def lighteval_metric(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    """What a task's configuration says of a metric."""
    rows = rows_of(config.get("metrics", config.get("metric")))
    return next((row for row in rows if name in all_texts(row.get("metric_name"))), {})


def lighteval_aggregation(metric: Mapping[str, Any], name: str) -> str | None:
    """How lighteval adds items up: `mean`, the name of a corpus-level rule, or None when the file does not say."""
    rule = metric.get("corpus_level_fn")
    rule = rule.get(name) if isinstance(rule, dict) else rule
    if not isinstance(rule, str):
        return None
    kind = re.search(r"metric_type='?(\w+)", rule)
    word = re.match(r"[\w.]+", rule)
    if kind:
        return kind[1]
    text = word[0].rsplit(".", 1)[-1] if word else single_line(rule)
    return "mean" if text in ("mean", "nanmean", "fmean") else CORPUS_AGGREGATIONS.get(text, text[:80])


def lighteval_rule(metric: Mapping[str, Any], name: str) -> str:
    """What lighteval's corpus metric does, as parts/formats/corpus_items.py calls it; "" for others."""
    rule = metric.get("corpus_level_fn")
    text = str(rule.get(name) if isinstance(rule, dict) else rule)
    if found := re.fullmatch(
        r"CorpusLevelTranslationMetric\(metric_type='?(bleu|chrf(?:\+\+)?|ter)'?, lang='?(\w*)'?\)", text
    ):
        return f"{found[1]}:{found[2]}" if found[2] else found[1]
    if found := re.fullmatch(r"CorpusLevelF1Score\(average='?(\w+)'?, num_classes=(\d{1,4})\)", text):
        if found[2] == "2":
            return {"macro": "f1_all", "micro": "f1_micro", "None": "f1_max"}.get(found[1], "")
        return f"f1_each:{found[2]}" if found[1] == "micro" else ""
    return "mcc" if text.startswith("MatthewsCorrCoef") else ""


def lighteval_pair(rule: str, value: Any) -> list[Any] | None:
    """[wanted, said] of an item of a corpus metric; None for other values."""
    if not isinstance(value, dict) or not {"golds", "preds"} <= value.keys():
        return None
    golds, preds = ([own] if not isinstance(own, list) else own for own in (value["golds"], value["preds"]))
    if not golds or not preds or (rule_formula(rule) not in ("bleu", "chrf", "percent_ratio") and len(golds) > 1):
        return None
    return [golds if rule.startswith(("chrf", "ter")) else golds[0], preds[0]]


def lighteval_sums(value: Any, aggregation: str | None) -> tuple[float, float] | None:
    """(log-likelihood, length) of an item of a perplexity; None for other values."""
    if not isinstance(value, dict) or aggregation not in FROM_RATIOS:
        return None
    total, length = finite(value.get("logprobs")), finite(value.get("weights"))
    length = 1.0 if aggregation == "perplexity" else length
    return None if total is None or not length else (total, length)


def lighteval_score(name: str, shared: str, values: Mapping[str, Any], config: Mapping[str, Any]) -> ScoreRead | None:
    """A metric of a task, by its name and its id; None when its value is no finite number."""
    value = finite(values[name])
    if value is None:
        return None
    metric = lighteval_metric(config, name)
    aggregation, rule = lighteval_aggregation(metric, name), lighteval_rule(metric, name)
    higher = metric.get("higher_is_better")
    higher = higher.get(name) if isinstance(higher, dict) else higher
    error, details = finite(values.get(f"{name}_stderr")), {}
    if error is not None and (error < 0 or aggregation not in ("mean", None)):
        # lighteval divides the deviation of bootstrap replicates by the root of their number.
        error, details = None, {"standard_error_left_out": repr(error)}
    return ScoreRead(
        name,
        shared,
        value,
        aggregation,
        **direction_in("lighteval", name, not higher if isinstance(higher, bool) else None),
        unit=unit_in("lighteval", name),
        scorer=lighteval_scorer(metric),
        standard_error=error,
        method="analytic" if aggregation == "mean" else None,
        count=whole(config.get("effective_num_docs")) or None,
        details=details,
        rule=rule,
        doubt=FIRST_ALONE if rule.startswith(("chrf", "ter")) else "",
    )


def lighteval_engine(config: Mapping[str, Any]) -> str | None:
    """The engine, told by what its configuration has."""
    if {"gpu_memory_utilization", "tensor_parallel_size"} & set(config):
        return "vllm"
    if "mem_fraction_static" in config:
        return "sglang"
    return (
        "transformers"
        if {"model_parallel", "continuous_batching", "multichoice_continuations_start_space"} & set(config)
        else None
    )


def lighteval_value(value: Any) -> float | None:
    """An item's raw value as a number: lists are averaged; for corpus metrics, 1 when the answer is a reference."""
    if isinstance(value, dict) and "preds" in value:
        golds = value.get("golds")
        golds = golds if isinstance(golds, list) else [golds]
        preds = value["preds"] if isinstance(value["preds"], list) else [value["preds"]]
        return float(any(pred in golds for pred in preds))
    if isinstance(value, dict):
        value = value.get("logprobs")
    if isinstance(value, list):
        numbers = [finite(item) for item in value]
        return None if not numbers or None in numbers else sum(numbers) / len(numbers)
    return finite(value)


def lighteval_prompt(doc: Mapping[str, Any], system: str | None) -> str:
    """The prompt without a chat template, put together as lighteval's PromptManager does."""
    instruction = doc.get("instruction")

    def question(query: str) -> str:
        return query[len(instruction) :].strip() if instruction and query.startswith(instruction) else query

    parts = [text for text in (system, instruction) if text is not None]
    for shot in rows_of(doc.get("fewshot_samples")):
        golds = lighteval_golds(shot)
        query = str(shot.get("query"))
        own = shot.get("instruction")
        query = query[len(own) :].strip() if own and query.startswith(own) else query
        parts.append(f"{query} {golds[0].strip() if golds else ''}")
    return "\n\n".join([*parts, question(str(doc.get("query")))])


def lighteval_golds(doc: Mapping[str, Any]) -> list[str]:
    """The references of an item."""
    choices, gold = doc.get("choices") or [], doc.get("gold_index")
    found: list[str] = []
    for index in gold if isinstance(gold, list) else [gold]:
        if isinstance(index, int) and -len(choices) <= index < len(choices):
            found += all_texts(choices[index])
    return found


def lighteval_choice(response: Mapping[str, Any], choices: Sequence[str], rule: str) -> list[str]:
    """The choice that a metric found most likely; nothing when its way of weighing is not one of these."""
    chances = [finite(chance) for chance in response.get("logprobs") or []][: len(choices)]
    if len(choices) < 2 or len(chances) != len(choices) or None in chances:
        return []
    if "LogProbCharNorm" in rule:
        skip = "ignore_first_space=True" in rule
        lengths = [len(choice) - (skip and choice.startswith(" ")) for choice in choices]
    elif "LogProbTokenNorm" in rule:
        lengths = [len(tokens or ()) for tokens in response.get("output_tokens") or []][: len(choices)]
    elif "logprob_normalization=None" in rule:
        lengths = [1] * len(choices)
    else:
        return []
    if len(lengths) != len(choices) or not all(lengths):
        return []
    weighed = [chance / length for chance, length in zip(chances, lengths, strict=True)]
    return [choices[max(range(len(weighed)), key=weighed.__getitem__)]]


def lighteval_cut(doc: Mapping[str, Any], response: Mapping[str, Any]) -> bool | None:
    """False when an answer is shorter than the token limit; at the limit the file does not tell why it ended."""
    limit, answers = whole(doc.get("generation_size")), response.get("output_tokens")
    if not limit or not isinstance(answers, list):
        return None
    return None if any(len(tokens or ()) >= limit for tokens in answers) else False


def with_corpus_parts(item: AskedItem, metric: Mapping[str, Any], read: Mapping[str, ScoreRead]) -> AskedItem:
    """The item with what it adds to the scores that are of all items together."""
    for name, score in read.items():
        value = metric.get(name)
        if (sums := lighteval_sums(value, score.aggregation)) is not None:
            item.ratios[name] = sums
        elif score.rule and (pair := lighteval_pair(score.rule, value)) is not None:
            made = corpus_statistic(score.rule, pair)
            if made is not None:
                item.statistics[name], item.values[name] = made, item_score(score.rule, made, pair)
    return item


def lighteval_item(
    row: Mapping[str, Any], name: str, scores: Mapping[str, str], prompt: Callable[[dict[str, Any]], str | None]
) -> AskedItem:
    """One row of a details file; `scores` has each metric's rule, `name` is the item's id."""
    doc, response, metric = part(row, "doc"), part(row, "model_response"), part(row, "metric")
    kinds = " ".join(all_texts(doc.get("sampling_methods")))
    answers = all_texts(response.get("text"))
    choices = [text for choice in doc.get("choices") or [] for text in all_texts(choice)[:1]]
    several = len(choices) > 1 and "LOGPROBS" in kinds
    values = {score: lighteval_value(metric.get(score)) for score in scores if score in metric}
    specific = doc.get("specific")
    found = specific.get("extracted_predictions") if isinstance(specific, dict) else None
    given = response.get("input")
    said = specific if isinstance(specific, dict) else {}
    return AskedItem(
        id=name,
        raw=str(doc.get("query")),
        references=lighteval_golds(doc),
        answers=answers,
        values=values,
        choices=choices if several else None,
        scored=all_texts(response.get("text_post_processed")) or None,
        prompt=given if isinstance(given, str) else prompt(doc),
        shown={} if answers else {score: lighteval_choice(response, choices, rule) for score, rule in scores.items()},
        chances=[finite(chance) for chance in response.get("logprobs") or []][: len(choices)] if several else None,
        found=(all_texts(found)[0], "lighteval") if all_texts(found) else None,
        reasoning=[text for text in all_texts(response.get("reasonings")) if text] or None,
        generative="GENERATIVE" in kinds,
        truncated=lighteval_cut(doc, response) if answers else False,
        unparsed=found == [] if isinstance(specific, dict) or specific is None else None,
        metadata=bounded_metadata({name: value for name, value in said.items() if lighteval_says(name, value)}),
    )


def lighteval_says(name: str, value: Any) -> bool:
    """Whether what a task says of an item is no answer of the model and no whole text."""
    return not name.startswith("extracted_") and isinstance(value, str | int | float | bool)


def from_literal(value: Any) -> Any:
    """The value that lighteval 0.5 to 0.7 wrote as Python text ("{'acc': 1}"); the text itself when it is none."""
    if not isinstance(value, str) or len(value) > MOST_LITERAL:
        return value
    text = NUMPY_SCALAR.sub(r"\1", value.strip())
    with contextlib.suppress(ValueError, SyntaxError, RecursionError, MemoryError):
        return ast.literal_eval(text)
    with contextlib.suppress(ValueError, SyntaxError, RecursionError, MemoryError):
        return ast.literal_eval(BARE_NUMBERS.sub("None", text))
    return value


def old_lighteval_chances(predictions: Any, choices: Sequence[str]) -> list[float]:
    """The log-likelihood of each choice where the answers are pairs of it and "was it greedy"; [] for texts."""
    if len(choices) < 2 or not isinstance(predictions, list) or len(predictions) != len(choices):
        return []
    pairs = [list(row.values()) if isinstance(row, dict) else row for row in predictions]
    chances = [finite(row[0]) for row in pairs if isinstance(row, list | tuple) and len(row) == 2]
    return [] if len(chances) != len(choices) or None in chances else chances


def old_lighteval_shown(
    chances: Sequence[float], choices: Sequence[str], golds: Sequence[str], values: Mapping[str, float | None]
) -> dict[str, list[str]]:
    """The choice that each metric takes: the most likely, or that per character; none where neither fits the score."""
    found = {}
    lengths = [max(len(choice), 1) for choice in choices]
    for score, value in values.items():
        weights = lengths if "norm" in score else [1] * len(choices)
        weighed = [chance / weight for chance, weight in zip(chances, weights, strict=True)]
        chosen = choices[max(range(len(weighed)), key=weighed.__getitem__)]
        if value in (0.0, 1.0) and (chosen in golds) == bool(value):
            found[score] = [chosen]
    return found


def old_lighteval_item(row: Mapping[str, Any], name: str, scores: Mapping[str, str]) -> AskedItem:
    """One row of a details file of lighteval before 0.10, which has a column for everything: of texts until 0.7."""
    read = {key: from_literal(value) if key in OLD_LITERALS else value for key, value in row.items()}
    metric = read.get("metrics")
    if isinstance(metric, str):
        raise ValueError(f"its metrics cannot be read: {single_line(metric)[:60]}")
    metric = metric if isinstance(metric, dict) else {}
    choices, golds = all_texts(read.get("choices")), all_texts(read.get("gold"))
    index, predictions = read.get("gold_index"), read.get("predictions")
    if not golds and choices:
        wanted = index if isinstance(index, list) else [index]
        golds = [choices[i] for i in wanted if isinstance(i, int) and 0 <= i < len(choices)]
    prompt = read.get("full_prompt")
    values = {score: lighteval_value(metric[score]) for score in scores if score in metric}
    chances = old_lighteval_chances(predictions, choices)
    texts = predictions if isinstance(predictions, list) else [predictions]
    return AskedItem(
        id=name,
        raw=str(first(read.get("example"), read.get("instruction"), "")),
        references=golds,
        answers=[] if chances else all_texts(texts),
        values=values,
        choices=choices if len(choices) > 1 else None,
        prompt=prompt if isinstance(prompt, str) else None,
        shown=old_lighteval_shown(chances, choices, golds, values) if chances else {},
    )


def content_id(raw: str, references: Sequence[str]) -> str:
    """A name for an item whose row in the data set is not known: the same in every run with the same content."""
    return f"item/{hashlib.sha256((raw + ''.join(references)).encode(errors='replace')).hexdigest()[:16]}"


def read_lighteval(origin: Origin, document: dict[str, Any], here: Here, files: Files) -> Iterator[TaskRun | Trouble]:
    """The tasks of a lighteval results file."""
    general = part(document, "config_general")
    config = lighteval_model_config(general)
    name = first(*(named(row.get(key)) for row in (general, config) for key in ("model_name", "pretrained")))
    moment = moment_in_name(origin.path.name)
    revision = first(named(general.get("model_sha")), named(config.get("revision")))
    engine = lighteval_engine(config)
    deployment = "self_deployed" if engine else "unknown"
    model = here.model(name, moment, revision, engine=engine, deployment=deployment)
    for key, values in part(document, "results").items():
        title, shots = lighteval_name(key)
        if title in ("all", "average") or "_average" in title:
            yield Trouble(str(origin.path), "an average over tasks: recomputed, never imported", key)
        elif isinstance(values, dict):
            yield from lighteval_task(origin, document, key, (title, shots), model, moment, here, files)
        else:
            yield Trouble(str(origin.path), "no scores under its name", key)


def lighteval_task(
    origin: Origin,
    document: dict[str, Any],
    key: str,
    names: tuple[str, int | None],
    model: EvaluatedModel,
    moment: Moment,
    here: Here,
    files: Files,
) -> Iterator[TaskRun | Trouble]:
    """One task of a lighteval results file."""
    general, values = part(document, "config_general"), part(document, "results", key)
    task = lighteval_task_config(document, key)
    metrics = [metric for metric in values if not metric.endswith("_stderr")]
    read = {metric: lighteval_score(metric, shared, values, task) for metric, shared in metric_ids(metrics).items()}
    for metric in (metric for metric, score in read.items() if score is None):
        reason = f"{metric} is {as_detail(values[metric])!r}: no finite number"
        yield Trouble(str(origin.path), reason, key, failed=True)
    scores = {score.name: score for score in read.values() if score is not None}
    rules = {name: str(lighteval_metric(task, name).get("sample_level_fn")) for name in scores}
    settings, prompt = lighteval_task_settings(general, task, names[1], model)
    source, folder = lighteval_source(task, names[0], moment, here)
    splits = all_texts(task.get("evaluation_splits"))
    details, away = files.details(origin.path, key)
    if away:
        here.warn(f"{origin.path}: {away} lies elsewhere and may be another run's: name that file, too, for its items")
    sha = general.get("lighteval_sha")
    yield TaskRun(
        origin=origin,
        task=key,
        title=names[0],
        shots=names[1],
        model=model,
        version=here.version or bare_version(general.get("lighteval_version")),
        library={
            "task_version": first(task.get("version"), part(document, "versions").get(key)),
            "lighteval_sha": sha if sha not in ("?", "", None) else None,
        },
        source=source,
        generation_args=lighteval_arguments(general, task) if lighteval_generative(task) else {},
        settings=settings,
        moment=moment,
        scores=tuple(scores.values()),
        samples=(lambda own: lighteval_items(details, rules, prompt, folder, splits, scores, own)) if details else None,
        sample_file=details,
        failure=None if scores else "none of its metrics is a finite number",
    )


def lighteval_model_config(general: Mapping[str, Any]) -> dict[str, Any]:
    """How the model was loaded."""
    return part(general, "model_config") or part(general, "config", "model_config")


def lighteval_sampling(general: Mapping[str, Any]) -> dict[str, Any]:
    """How answers were generated."""
    asked = part(general, "generation_parameters")
    return {**asked, **part(lighteval_model_config(general), "generation_parameters")}


def lighteval_generative(task: Mapping[str, Any]) -> bool:
    """Whether a task's answers are texts."""
    return any("GENERATIVE" in str(row.get("category")) for row in rows_of(task.get("metrics")))


def lighteval_arguments(general: Mapping[str, Any], task: Mapping[str, Any]) -> dict[str, Any]:
    """The generation settings that a record has fields for."""
    sampling = lighteval_sampling(general)
    return {
        "temperature": finite(sampling.get("temperature")),
        "max_tokens": first(whole(sampling.get("max_new_tokens")), whole(task.get("generation_size"))),
        "top_p": finite(sampling.get("top_p")),
        "top_k": finite(sampling.get("top_k")),
    }


def lighteval_task_settings(
    general: Mapping[str, Any], task: Mapping[str, Any], shots: int | None, model: EvaluatedModel
) -> tuple[dict[str, Any], Callable[[Mapping[str, Any]], str] | None]:
    """All that is set for a task, and what makes the prompt of an item where no chat template did."""
    config, sampling = lighteval_model_config(general), lighteval_sampling(general)
    template = config.get("override_chat_template")
    if not isinstance(template, bool) and "override_chat_template" in config and model.folder:
        template = has_chat_template(model.folder)
    system = first(config.get("system_prompt"), general.get("system_prompt"))
    own = {
        "few_shot_split": task.get("few_shots_split") if shots else None,
        "stop": stop_text(task.get("stop_sequence")) if lighteval_generative(task) else None,
        "seed": sampling.get("seed"),
        "dtype": first(config.get("dtype"), general.get("model_dtype")),
        "backend": {"transformers": "accelerate"}.get(model.engine or "", model.engine),
        "use_chat_template": template if isinstance(template, bool) else None,
        "system_prompt": system,
        "max_model_len": first(config.get("max_model_length"), config.get("max_length")),
        "limit": general.get("max_samples"),
        "num_fewshot_seeds": general.get("num_fewshot_seeds"),
    }
    settings = merged_settings(
        own,
        {name: value for name, value in config.items() if name not in LIGHTEVAL_LEFT_OUT and value != {}},
        {name: value for name, value in sampling.items() if name not in LIGHTEVAL_SAMPLING},
    )
    given = system if isinstance(system, str) else None
    return settings, (lambda doc: lighteval_prompt(doc, given)) if template is False else None


def lighteval_source(
    task: Mapping[str, Any], title: str, moment: Moment, here: Here
) -> tuple[dict[str, Any], Path | None]:
    """Where the items come from, and their folder when it is here."""
    repo = first(named(task.get("hf_repo")), named(task.get("dataset")))
    splits = ",".join(all_texts(task.get("evaluation_splits"))) or None
    total = whole(task.get("original_num_docs")) or None
    subset = named(task.get("hf_subset"))
    if repo is None:
        return {"dataset_name": title, "source_type": "other", "additional_details": strings({"split": splits})}, None
    folder = Path(repo)
    if is_path(repo) or folder.is_dir():
        local = folder.is_dir() and here.may_read(folder)
        details = {
            "subset": None if subset == "default" else subset,
            "split": splits,
            "path": shown_path(folder) if local else foreign_id(repo),
            "data_sha256": here.data(folder, moment) if local else None,
            "samples_number": total or (rows_in(folder, splits) if local and not task.get("hf_filter") else None),
        }
        details["samples_number"] = details["samples_number"] if details["data_sha256"] else total
        return {
            "dataset_name": title,
            "source_type": "other",
            "additional_details": strings(details),
        }, folder if local else None
    details = {"subset": subset, "split": splits, "revision": named(task.get("hf_revision"))}
    return hub_source(repo, splits, total, details), None


def lighteval_items(
    path: Path,
    rules: Mapping[str, str],
    prompt: Callable[[Mapping[str, Any]], str] | None,
    folder: Path | None,
    splits: Sequence[str],
    read: Mapping[str, ScoreRead],
    own_ids: bool,
) -> Iterator[AskedItem]:
    """The items in a details file."""
    seen: dict[str, int] = {}
    if "doc" not in parquet_columns(path):
        for row in parquet_rows(path, OLD_DETAILS_COLUMNS):
            metric = from_literal(row.get("metrics"))
            item = old_lighteval_item(row, "", rules)
            item = with_corpus_parts(item, metric if isinstance(metric, dict) else {}, read)
            name = content_id(item.raw, item.references)
            seen[name] = seen.get(name, 0) + 1
            item.id = name if seen[name] == 1 else f"{name}#{seen[name]}"
            yield item
        return
    known = own_ids_of(folder, splits[0]) if own_ids and folder and len(splits) == 1 else None
    for row in parquet_rows(path, DETAILS_COLUMNS):
        item = lighteval_item(row, "", rules, prompt or (lambda _: None))
        item = with_corpus_parts(item, part(row, "metric"), read)
        index = str(part(row, "doc").get("id"))
        if not index.isdecimal() or len(splits) != 1:
            item.id = content_id(item.raw, item.references)
        elif known is None:
            item.id = f"{splits[0]}/{index}"
        else:
            name, fields = known[int(index)] if int(index) < len(known) else ("", "")
            if not any(text and text in item.raw for text in fields.split("\0")):
                raise RepeatedIds  # other data than those that were asked
            item.id = name
        yield item
