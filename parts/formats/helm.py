"""HELM's run folders."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from parts.formats.files import json_value, read_bounded
from parts.formats.here import Here
from parts.formats.values import (
    all_texts,
    as_detail,
    bounded_metadata,
    finite,
    first,
    merged_settings,
    moment_of,
    named,
    part,
    rows_of,
    whole,
)
from parts.formats.vocabulary import AskedItem, Files, Origin, ScoreRead, TaskRun, Trouble, reason_of
from parts.frame import single_line
from parts.harness.metric_names import metric_id
from parts.metric_directions import direction_in, unit_in
from parts.records.schema import strings

# What HELM counts beside the scores: tokens, seconds, requests, how sure the model was.
HELM_PARTS = ("stats.json", "per_instance_stats.json", "scenario_state.json")  # of a run, beside its run_spec.json
HELM_COUNTS = re.compile(
    r"num_.*|(?:inference|training)_.*|.*_runtime|batch_size|finish_reason_.*|prompt_truncated|max_prob|predicted_index"
    r"|logprob.*|platt_.*|.*_(?:cost|time|energy)|none_prob|.*_log_prob"
)
HELM_LANGUAGE_MODELING = ("perplexity", "bits_per_byte")  # scores of that adapter alone


# Of HELM's adapter: who was asked, and what has a name of its own in the record.
HELM_NAMED = {"model", "model_deployment", "max_train_instances", "temperature", "max_tokens", "stop_sequences"}
HELM_NAMED |= {"num_train_trials", "max_eval_instances", "eval_splits"}


def helm_title(name: str) -> str:
    """A run's name without its model: "mmlu:subject=law,model=a_b" -> "mmlu:subject=law"."""
    return re.sub(r"[:,](?:model|model_deployment)=[^,]*", "", single_line(name)) or "unnamed"


def helm_split(stats: Sequence[Mapping[str, Any]]) -> str | None:
    """The split that HELM reports: test, or valid where there is no test."""
    splits = {part(stat, "name").get("split") for stat in stats}
    return next((split for split in ("test", "valid") if split in splits), None)


def helm_scores(stats: Sequence[Mapping[str, Any]], split: str | None, adapter: Mapping[str, Any]) -> list[ScoreRead]:
    """The scores in stats.json: of one split, of items as they are, without what HELM only counts."""
    method = str(adapter.get("method"))
    found = []
    for stat in stats:
        name = part(stat, "name")
        metric, value = named(name.get("name")), finite(stat.get("mean"))
        if name.get("perturbation") is not None or name.get("split") != split or not metric or value is None:
            continue
        if HELM_COUNTS.fullmatch(metric) or (metric in HELM_LANGUAGE_MODELING and method != "language_modeling"):
            continue
        shared = "accuracy" if metric == "exact_match" and method.startswith("multiple_choice") else metric_id(metric)
        unit = unit_in("helm", metric)
        found.append(ScoreRead(metric, shared, value, None, unit=unit, **direction_in("helm", metric)))
    return found


def helm_values(row: Mapping[str, Any], split: str | None) -> dict[str, float | None]:
    """The numbers of one item in per_instance_stats.json."""
    found = {}
    for stat in rows_of(row.get("stats")):
        name = part(stat, "name")
        if name.get("split") == split and name.get("perturbation") is None and isinstance(name.get("name"), str):
            found[single_line(name["name"])] = finite(stat.get("mean"))
    return found


def helm_item(
    row: Mapping[str, Any], states: Sequence[Mapping[str, Any]], scores: Sequence[str], split: str | None
) -> AskedItem:
    """One item; what it asked is in scenario_state.json, in one state per request."""
    values = helm_values(row, split)
    instance = part(states[0], "instance") if states else {}
    references = rows_of(instance.get("references"))
    state = states[0] if len(states) == 1 else {}
    outputs = [part(reference, "output").get("text") for reference in references]
    right = [part(ref, "output").get("text") for ref in references if "correct" in all_texts(ref.get("tags"))]
    completions = [str(done.get("text")) for done in rows_of(part(state, "result").get("completions"))]
    prompt = part(state, "request").get("prompt")
    mapping = part(state, "output_mapping")
    chosen = mapping.get(completions[0].strip()) if completions else None
    failed = part(state, "result").get("success") is False
    values = {score: values.get(score) for score in scores if score in values}
    lost = failed and not any(value is not None for value in values.values())
    return AskedItem(
        id=single_line(row.get("instance_id")),
        raw=str(part(instance, "input").get("text") or ""),
        references=[text for text in right if isinstance(text, str)],
        answers=completions,
        values=values,
        choices=[text for text in outputs if isinstance(text, str)] if mapping and len(outputs) > 1 else None,
        prompt=prompt if isinstance(prompt, str) else None,
        found=(chosen, "output_mapping") if isinstance(chosen, str) else None,
        error="the request failed" if lost else None,
        errored=int(failed),
        generative=bool(completions),
        truncated=helm_cut(row, split),
        attempt=whole(row.get("train_trial_index")),
        metadata=bounded_metadata({**part(instance, "extra_data"), "sub_split": instance.get("sub_split")}),
    )


def helm_cut(row: Mapping[str, Any], split: str | None) -> bool | None:
    """Whether an answer ended at the token limit, when HELM knows why it ended."""
    values = helm_values(row, split)
    if values.get("finish_reason_unknown"):
        return None
    ended = values.get("finish_reason_length")
    return None if ended is None else ended > 0


def read_helm(origin: Origin, document: dict[str, Any], here: Here, files: Files) -> Iterator[TaskRun | Trouble]:
    """The run in a HELM run folder; `document` is its run_spec.json."""
    folder, adapter = origin.path.parent, part(document, "adapter_spec")
    name, model_name = named(document.get("name")), named(adapter.get("model"))
    if name is None or model_name is None:
        raise ValueError("a run without a name or a model")
    path = folder / HELM_PARTS[0]
    if not path.is_file():
        raise ValueError("no stats.json beside it: the run did not finish")
    stats = rows_of(json_value(read_bounded(path)))
    split = helm_split(stats)
    parts: list[Any] = []
    for part_name in HELM_PARTS[1:]:
        try:
            parts.append(helm_part(folder, part_name))
        except ValueError as error:
            parts.append(None)
            yield Trouble(str(folder / part_name), f"left out: {reason_of(error)}", name, failed=True)
    instances, states = parts
    by_item = helm_states(rows_of(part(states).get("request_states")))
    asked = [row for row in rows_of(instances) if row.get("perturbation") is None and helm_values(row, split)]
    moment = moment_of(
        first(*(part(state, "result").get("request_datetime") for rows in list(by_item.values())[:1] for state in rows))
    )
    graders = {"grader_settings": document.get("annotators")} if document.get("annotators") else {}
    scores = [replace(score, scorer=graders) for score in helm_scores(stats, split, adapter)]
    for reason in helm_left_out(stats, split):
        yield Trouble(str(origin.path), reason, name)
    title, titles = helm_title(name), [score.name for score in scores]
    trials, one_token = len({row.get("train_trial_index") for row in asked}), helm_one_token(adapter)
    yield TaskRun(
        origin=origin,
        task=name,
        title=title,
        shots=whole(adapter.get("max_train_instances")),
        model=here.model(model_name, moment, details={"model_deployment": named(adapter.get("model_deployment"))}),
        version=here.version or "unknown",
        library={
            "groups": ", ".join(all_texts(document.get("groups"))) or None,
            "perturbations": as_detail(part(document, "data_augmenter_spec").get("perturbation_specs")),
        },
        source=helm_source(document, title, split),
        generation_args={
            "temperature": finite(adapter.get("temperature")),
            "max_tokens": whole(adapter.get("max_tokens")),
        },
        settings=helm_settings(adapter, len({row.get("instance_id") for row in rows_of(instances)})),
        moment=moment,
        scores=tuple(scores),
        samples=(lambda _: helm_items(asked, by_item, titles, split, trials, one_token)) if asked else None,
        sample_file=folder / "per_instance_stats.json" if asked else None,
        beside=tuple(own for name in HELM_PARTS if (own := folder / name).is_file()),
        failure=None if scores else "stats.json has no score of the split",
    )


def helm_left_out(stats: Sequence[Mapping[str, Any]], split: str | None) -> Iterator[str]:
    """What of a run's scores is not read, and why."""
    for other in sorted({str(part(stat, "name").get("split")) for stat in stats} - {str(split)}):
        yield f"split {other}: HELM reports {split}"
    if any(part(stat, "name").get("perturbation") for stat in stats):
        yield "scores on changed items (robustness, fairness) and their worst cases"


def helm_source(document: Mapping[str, Any], title: str, split: str | None) -> dict[str, Any]:
    """Where the items of a run come from."""
    scenario = part(document, "scenario_spec")
    details = {
        "split": split,
        "scenario": named(scenario.get("class_name")),
        "arguments": as_detail(part(scenario, "args")),
    }
    return {"dataset_name": title, "source_type": "other", "additional_details": strings(details)}


def helm_settings(adapter: Mapping[str, Any], count: int) -> dict[str, Any]:
    """All that is set for a run; it was limited when its `count` items are as many as it might have asked."""
    most, stops = whole(adapter.get("max_eval_instances")), adapter.get("stop_sequences")
    return merged_settings(
        {
            "train_trials": whole(adapter.get("num_train_trials")),
            "stop": json.dumps(stops, ensure_ascii=False) if stops else None,
            "limit": most if most and count >= most else None,
        },
        {name: value for name, value in adapter.items() if name not in HELM_NAMED and value not in ("", [])},
    )


def helm_one_token(adapter: Mapping[str, Any]) -> bool:
    """Whether an answer is one token, which no limit cuts off."""
    chosen = re.fullmatch(r"multiple_choice(?!.*thought).*", str(adapter.get("method")))
    return whole(adapter.get("max_tokens")) == 1 or bool(chosen)


def helm_part(folder: Path, name: str) -> Any:
    """A file of a run folder; None when it is not there."""
    path = folder / name
    return json_value(read_bounded(path)) if path.is_file() else None


def helm_states(states: Iterable[dict[str, Any]]) -> dict[tuple[Any, Any], list[dict[str, Any]]]:
    """The requests of each item, by its id and the trial; those of changed items left out."""
    found: dict[tuple[Any, Any], list[dict[str, Any]]] = {}
    for state in states:
        instance = part(state, "instance")
        if instance.get("perturbation") is None and state.get("request_mode") != "calibration":
            found.setdefault((str(instance.get("id")), state.get("train_trial_index")), []).append(state)
    return found


def helm_items(
    asked: Sequence[dict[str, Any]],
    states: Mapping[tuple[Any, Any], Sequence[dict[str, Any]]],
    scores: Sequence[str],
    split: str | None,
    trials: int,
    one_token: bool,
) -> Iterator[AskedItem]:
    """The items of a run; an answer that is one letter is not cut off by a limit of one token."""
    for row in asked:
        key = str(row.get("instance_id")), row.get("train_trial_index")
        item = helm_item(row, states.get(key, ()), scores, split)
        if trials < 2:
            item.attempt = None
        if one_token:
            item.truncated = False
        yield item
