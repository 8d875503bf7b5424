"""The scores of inspect's logs: metrics, groups, ways of joining repeats, who scored."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from parts.formats.values import (
    finite,
    named,
    part,
    rows_of,
    whole,
)
from parts.formats.vocabulary import (
    ScoreRead,
)
from parts.frame import single_line
from parts.metric_directions import direction_in, metric_direction, unit_in
from parts.names import INSPECT_METRICS

# Metrics of inspect that say how sure others are.
INSPECT_SPREAD = re.compile(
    r"(?:^|_)(?:std_?err|sterr|se|std|stddev|var|variance|ci|ci_lower|ci_upper|stderr\d*)$|^bootstrap_"
)


INSPECT_LOWER = {"perplexity", "ppl", "wer", "cer", "ter", "loss", "bias"}  # first word of metrics that should be low


# Ways of joining repeats that are a metric of their own; others ("mode", "median") are named behind it.
INSPECT_METRIC_REDUCERS = re.compile(r"(?:pass_at|pass_k|at_least|pass_hat)_?\d+|max")


INSPECT_ALL_LABEL = "all"  # inspect's own name of a grouped metric's row over all items


# Scorers of inspect itself that ask no model.
INSPECT_RULES = {"match", "includes", "pattern", "answer", "choice", "exact", "f1", "math", "perplexity"}


INSPECT_PROMPT_OPTIONS = ("template", "instructions", "grade_pattern", "partial_credit", "include_history")


INSPECT_VALUES = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0, "yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}


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
    kept = []
    for row in rows_of(part(header, "results").get("scores")):
        name = named(row.get("name")) or "score"
        scorer, reducer = named(row.get("scorer")) or name, named(row.get("reducer"))
        key = name if name != scorer else None
        metrics = part(row, "metrics")
        for text, metric in metrics.items():
            value = finite(metric.get("value")) if isinstance(metric, dict) else finite(metric)
            if value is None or INSPECT_SPREAD.search(text) or inspect_group(metric) not in (None, ""):
                continue
            if inspect_group(metric) == "" and inspect_repeats(metric, value, metrics):
                continue  # the same overall score once more
            kept.append((row, text, value, scorer, reducer, key, inspect_label(name, text, metric, reducer, bool(key))))
    names = told_apart([(label, str(row.get("name") or scorer), scorer) for row, _, _, scorer, *_, label in kept])
    found: dict[str, LogScore] = {}
    for (row, text, value, scorer, reducer, key, _), label in zip(kept, names, strict=True):
        label = label if label not in found else f"{single_line(row.get('name')).rsplit('/', 1)[-1]}_{label}"
        score = inspect_score(row, part(row, "metrics"), text, label, value)
        score = replace(score, scorer={**inspect_scorer(header, row, scorer), **score.scorer})
        found.setdefault(label, LogScore(score, scorer, key, reducer, inspect_joined(reductions, scorer, reducer, key)))
    return list(found.values())


def told_apart(labels: Sequence[tuple[str, str, str]]) -> list[str]:
    """The metrics of a log by names that do not depend on the order of its scorers.

    labels: (metric, score, scorer); a metric that several have is named by its score, or scorer, in each.
    """
    owners: dict[str, set[tuple[str, str]]] = {}
    for label, *own in labels:
        owners.setdefault(label, set()).add(tuple(own))
    names = []
    for label, *own in labels:
        bare = [single_line(text).rsplit("/", 1)[-1] for text in own]
        first = bare[0] if bare[0] != label else bare[1]
        names.append(label if len(owners[label]) == 1 or first == label else f"{first}_{label}")
    return names


def inspect_score(row: Mapping[str, Any], metrics: Mapping[str, Any], text: str, label: str, value: float) -> ScoreRead:
    """One metric of a scorer; whether it is the mean of the items is found out from these."""
    bare = text.rsplit("/", 1)[-1]
    error, method, cluster = inspect_error(metrics) if bare in ("accuracy", "mean") else (None, None, None)
    said = True if label.split("_")[0] in INSPECT_LOWER else None
    said = False if metric_direction(label) is None and said is None and bare == "accuracy" else said
    return ScoreRead(
        label,
        INSPECT_METRICS.get(label, label),
        value,
        "mean" if bare in ("accuracy", "mean") else None,
        **direction_in("inspect", label, said),
        unit=unit_in("inspect", label),
        standard_error=error,
        method=method,
        count=whole(row.get("scored_samples")),
        scorer={"cluster_by": cluster},
    )


def inspect_scorer(header: Mapping[str, Any], row: Mapping[str, Any], scorer: str) -> dict[str, Any]:
    """Who scored: the scorer with its options, the model that it asks with its settings, a hash of its own prompt.

    A grader is named in the scorer's options, or as the role "grader"; one that is named nowhere is the model itself.
    """
    spec, options = part(header, "eval"), dict(part(row, "params"))
    for known in rows_of(spec.get("scorers")):
        if known.get("name") in (scorer, row.get("name")):
            options = {**part(known, "options"), **options}
    bare = scorer.rsplit("/", 1)[-1]
    given = options.pop("model", None)
    roles = part(spec, "model_roles")
    role = roles.get(str(options.get("model_role", "grader")))
    judges = given if isinstance(given, list) else [given] if given else role if isinstance(role, list) else [role]
    judges = [{"model": judge} if isinstance(judge, str) else judge for judge in judges if judge]
    if not judges and bare.startswith("model_graded"):
        judges = [{"model": spec.get("model")}]
    asks = bool(judges) and (given is not None or bare not in INSPECT_RULES)
    prompt = {name: options[name] for name in INSPECT_PROMPT_OPTIONS if options.get(name) is not None}
    settings = [
        without_nothing({name: judge.get(name) for name in ("config", "args", "model_args")}) for judge in judges
    ]
    return {
        "scorer": single_line(scorer),
        "scorer_settings": {name: value for name, value in options.items() if name not in prompt} or None,
        "grader_model": ", ".join(single_line(judge.get("model")) for judge in judges) if asks else None,
        "grader_settings": settings if asks and any(settings) else None,
        "grader_prompt_hash": short_hash(prompt) if prompt and (asks or bare.startswith("model_graded")) else None,
    }


def without_nothing(value: Any) -> Any:
    """A JSON value without what says nothing: null, and dictionaries of it."""
    if isinstance(value, dict):
        kept = {name: without_nothing(part) for name, part in value.items()}
        return {name: part for name, part in kept.items() if part is not None and part != {}}
    return [without_nothing(part) for part in value] if isinstance(value, list) else value


def short_hash(value: Any) -> str:
    """A hash of a JSON value."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:16]


def inspect_group(metric: Any) -> str | None:
    """The part of the items that a metric of inspect's `grouped` is about; "" for all, None for other metrics.

    Before 0.3.190 a grouped metric is told by the key that it groups by alone.
    """
    if not isinstance(metric, dict) or (metric.get("group") != "grouped" and "group_key" not in part(metric, "params")):
        return None
    name = str(metric.get("name"))
    return "" if name == str(part(metric, "params").get("all_label", INSPECT_ALL_LABEL)) else name


def inspect_repeats(metric: Mapping[str, Any], value: float, metrics: Mapping[str, Any]) -> bool:
    """Whether a grouped metric's row over all items says again what the plain metric beside it says."""
    inner = inspect_inner(metric)
    plain = [row for text, row in metrics.items() if text.rsplit("/", 1)[-1] == inner and inspect_group(row) is None]
    return any(finite(row.get("value")) == value for row in plain if isinstance(row, dict))


def inspect_inner(metric: Mapping[str, Any]) -> str:
    """The metric that a grouped one works out for each group."""
    inner = part(metric, "params").get("metric")
    return str(inner.get("name") if isinstance(inner, dict) else inner or "accuracy").rsplit("/", 1)[-1]


def inspect_label(name: str, text: str, metric: Any, reducer: str | None, keyed_score: bool = False) -> str:
    """The name under which a metric is published: the metric's; the scorer's where it only says "mean".

    match: accuracy -> accuracy    f1: mean -> f1    verify: accuracy joined by pass_at_1 -> pass_at_1
    match: accuracy joined by mode -> accuracy_mode    strict, a key of a score of several: accuracy -> strict
    """
    label = single_line(text).rsplit("/", 1)[-1]
    if inspect_group(metric) == "":
        label = inspect_inner(metric)
        label += "_mean_of_groups" if part(metric, "params").get("all") == "groups" else ""
    own = single_line(name).rsplit("/", 1)[-1]
    label = own if label == "mean" or (keyed_score and label == "accuracy") else label
    if reducer in (None, "mean"):
        return label
    if INSPECT_METRIC_REDUCERS.fullmatch(reducer) and label in ("accuracy", own):
        return f"{own}_{reducer}" if keyed_score else reducer
    return f"{label}_{reducer}"


def reducers_said(config: Mapping[str, Any]) -> Any:
    """The ways in which a run joins repeats; None for inspect's own, the mean."""
    return config.get("epochs_reducer") if config.get("epochs_reducer") != ["mean"] else None


def inspect_error(metrics: Mapping[str, Any]) -> tuple[float | None, str | None, str | None]:
    """The standard error beside a mean, how it was worked out, and the metadata key of its clusters."""
    for text, entry in metrics.items():
        value, name = finite(entry.get("value")) if isinstance(entry, dict) else None, text.rsplit("/", 1)[-1]
        if name in ("stderr", "bootstrap_stderr") and value is not None and value >= 0:
            cluster = named(part(entry, "params").get("cluster"))
            method = "clustered" if cluster else "analytic"
            return value, "bootstrap" if name == "bootstrap_stderr" else method, cluster
    return None, None, None


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


def keyed_by_label(value: Any, label: str) -> Any:
    """What a score of several values says of a metric that one function works out of all of them.

    prompt_strict_acc of {"prompt_level_strict": True, "inst_level_strict": 2, "num_instructions": 3} is True, and
    inst_strict_acc is (2, 3); None where no key, or more than one, has all words of the metric's name.
    """
    if not isinstance(value, dict):
        return value
    words = set(label.split("_")) - {"acc", "accuracy", "mean"}
    fitting = [key for key in value if key == label] or [key for key in value if words and words <= set(key.split("_"))]
    if len(fitting) != 1:
        return None
    total = finite(value.get("num_instructions")) if fitting[0].startswith("inst") else None
    number = inspect_value(value[fitting[0]])
    return (number, total) if number is not None and total else number
