"""One benchmark, its parts: which are there, which lack, and the benchmark's score as the harness makes it of them.

Takes runs of one state of a model and the vocabulary, whose `parts` (from the harnesses' own group definitions) name
every part of a benchmark; gives runs of the whole. An incomplete set is never the whole.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from parts.frame import listing
from parts.records.run import Run, Validity
from parts.vocabulary import MetricMapping, library_field


def part_name(subtask: str) -> str:
    """A part's own name: HELM and inspect call it by the option that selects it: "subject=anatomy" is anatomy."""
    name = subtask.rpartition("/")[2]
    return name if "," in name else name.rpartition("=")[2]


def group_of_parts(key: str, subtasks: Iterable[str], vocabulary: MetricMapping) -> Mapping[str, Any] | None:
    """The group of a benchmark that some parts belong to; None where the vocabulary knows none that has them all."""
    subtasks = list(subtasks)
    wanted = {part_name(part) for part in subtasks}
    groups = {part.rpartition("/")[0] for part in subtasks}
    for place, rule in enumerate(vocabulary.entries.get(key, {}).get("parts") or ()):
        if groups == {"" if place == 0 else rule["group"]} and wanted <= set(rule["names"].split()):
            return rule
    return None


def lacking_parts(key: str, subtasks: Iterable[str], vocabulary: MetricMapping) -> list[str]:
    """The parts of a benchmark that a set of some lacks; nothing where it is whole, or nobody knows its parts."""
    subtasks = list(subtasks)
    if not subtasks or "" in subtasks or (rule := group_of_parts(key, subtasks, vocabulary)) is None:
        return []
    have = {part_name(part) for part in subtasks}
    return [name for name in rule["names"].split() if name not in have]


def incomplete_line(key: str, subtasks: Iterable[str], vocabulary: MetricMapping) -> str:
    """What is said of an incomplete set: "mmlu: 3 of its 57 parts (lacking anatomy, ...): not its score"."""
    subtasks = list(subtasks)
    lacking, count = lacking_parts(key, subtasks, vocabulary), len(set(subtasks))
    if count and "" not in subtasks and key in vocabulary.entries and not group_of_parts(key, subtasks, vocabulary):
        of = f"{count} parts" if count > 1 else f"a part ({subtasks[0]})"
        return f"{key}: {of}, and nothing says that there are no others: not its score"
    if not lacking:
        return ""
    return f"{key}: {count} of its {count + len(lacking)} parts (lacking {listing(lacking, 3)}): not its score"


def part_weights(runs: Sequence[Run], vocabulary: MetricMapping) -> list[float]:
    """The weight of each part in its benchmark's score, as its harness joins them; they add up to 1.

    lm-eval weights by the number of items where its group says so, inspect always (it asks all parts as one task); all
    others count each part once.
    """
    sizes = [float(run.n or 0) for run in runs]
    if counted_once(runs, vocabulary) or min(sizes) == 0:
        return [1 / len(runs)] * len(runs)
    return [size / math.fsum(sizes) for size in sizes]


def counted_once(runs: Sequence[Run], vocabulary: MetricMapping) -> bool:
    """Whether a benchmark's score counts each of these parts once, whatever the number of its items."""
    rule = group_of_parts(runs[0].key, [run.subtask for run in runs], vocabulary)
    library = library_field(runs[0].harness[0])
    return library != "inspect" and (rule is None or rule["weights"] != "size" or library != "lm_eval")


def whole_runs(runs: Sequence[Run], vocabulary: MetricMapping) -> tuple[list[Run], list[Run], list[str]]:
    """(runs of whole benchmarks made of their parts, these parts, what is to be said of incomplete sets).

    Runs are of one state of one model. Parts that were measured in more than one way stay parts.
    """
    sets: dict[tuple[str, ...], list[Run]] = defaultdict(list)
    for run in runs:
        if run.known and run.subtask:
            sets[run.key, run.subtask.rpartition("/")[0], run.metric, run.shots, run.harness[0]].append(run)
    wholes: list[Run] = []
    used: list[Run] = []
    notes = []
    there = {run.key for run in runs if not run.subtask}
    for (key, *_), parts in sets.items():
        names = [run.subtask for run in parts]
        line = incomplete_line(key, names, vocabulary)
        notes += [line] if line else []
        rule = group_of_parts(key, names, vocabulary)
        if line or rule is None or key in there or len(set(names)) < len(names) or len({run.unit for run in parts}) > 1:
            continue
        wholes.append(whole_of(parts, rule, vocabulary))
        used += parts
    return wholes, used, notes


def whole_of(parts: Sequence[Run], rule: Mapping[str, Any], vocabulary: MetricMapping) -> Run:
    """The run of a benchmark that all its parts make: weighted mean, its standard error, counts added up."""
    weights = part_weights(parts, vocabulary)
    first = min(parts, key=lambda run: run.subtask)
    score = math.fsum(weight * run.score for weight, run in zip(weights, parts, strict=True))
    errors = [run.standard_error for run in parts]
    error = None if None in errors else math.hypot(*(w * e for w, e in zip(weights, errors, strict=True)))
    sizes = [run.n for run in parts]
    reasons = {reason: None for run in parts for reason in (f"{run.subtask}: {r}" for r in run.validity.reasons)}
    remarks = {remark: None for run in parts for remark in (f"{run.subtask}: {r}" for r in run.validity.remarks)}
    settings = {k: v for k, v in first.settings.items() if all(run.settings.get(k) == v for run in parts)}
    how = "weighted by their items" if len(set(weights)) > 1 else "each counted once"
    limited = sorted({run.partial for run in parts if run.partial})
    return replace(
        first,
        subtask="",
        name=rule["group"],
        result_id=f"{rule['group']}{f'|{first.shots}' if first.shots else ''}/{first.metric}",
        score=score,
        standard_error=error,
        n=None if None in sizes else sum(sizes),
        size=None,
        limit=limited[0] if limited else "",
        counts={name: sum(run.counts.get(name, 0) for run in parts) for run in parts for name in run.counts},
        settings=settings,
        written=(score / first.scale, first.written[1]),
        validity=Validity(tuple(reasons), (f"made of {len(parts)} parts, {how}", *remarks)),
        repeats=(),
    )
