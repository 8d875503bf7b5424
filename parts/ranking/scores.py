"""Overall scores: means, categories, the reference step formulas."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from parts.checkpoints import Checkpoint
from parts.frame import ScriptError, listing, option_words
from parts.records.measured import Result, mean_result
from parts.records.run import setting_differences
from parts.records.settings import difference_lines
from parts.records.states import are_repeats, moment_of_run, slot_of
from parts.statistics.intervals import Estimate
from parts.vocabulary import CATEGORY_ORDER, STEP_FORMULAS, MetricMapping, is_of_raters, metric_key, same_metric

# Settings that say what a local task file and its data contain, as hashes.
CONTENT = ("task file", "data set revision", "task_file_sha256", "items_sha256")


def step_formula_scores(step: int) -> dict[str, Estimate]:
    """The reference scoring of a training step: category -> Estimate without standard error or items."""
    x = step / 100
    return {key: Estimate(round(min(rule.curve(x), rule.cap), 3)) for key, rule in STEP_FORMULAS.items()}


def mean_score(scores: Sequence[Estimate], weights: Sequence[float] | None = None) -> Estimate:
    """The (weighted) mean of scores, with its standard error when every part has one (parts taken as independent).

    What all parts have in common stays: unit, metric, shots.
    """
    if len(scores) == 1:
        return scores[0]
    weights = weights or [1.0] * len(scores)
    total = math.fsum(weights)
    value = math.fsum(w * s.value for w, s in zip(weights, scores, strict=True)) / total
    errors = [s.standard_error for s in scores]
    error = None
    if None not in errors:
        error = math.sqrt(math.fsum((w * e) ** 2 for w, e in zip(weights, errors, strict=True))) / total
    counts = [s.n for s in scores]
    units, metrics, shots = ({getattr(s, name) for s in scores} for name in ("unit", "metric", "shots"))
    return Estimate(
        value,
        error,
        None if None in counts else sum(counts),
        units.pop() if len(units) == 1 else "mixed",
        any(s.lower_is_better for s in scores),
        metrics.pop() if len(metrics) == 1 else None,
        shots.pop() if len(shots) == 1 else None,
    )


def category_members(scores: Mapping[str, Estimate], vocabulary: MetricMapping) -> dict[str, list[str]]:
    """Category -> the benchmarks that make it; a score for the category itself is the category's.

    Benchmarks without a category count only where none has one: then each stands for itself. Where none is a share of
    right answers, those of one metric count (the WER of three data sets).
    """
    whole = [key for key, score in scores.items() if score.averages]
    if not whole and len({(score.unit, score.lower_is_better, score.metric) for score in scores.values()}) == 1:
        whole = list(scores)
    members: dict[str, list[str]] = defaultdict(list)
    for key in whole:
        category = vocabulary.category(key)
        if category and (category == key or category not in whole):
            members[category].append(key)
    members = members or {key: [key] for key in whole}
    placed = sorted(members, key=lambda key: (category_order(key)[0], vocabulary.place(key)))
    return {key: members[key] for key in placed}


def category_scores(scores: Mapping[str, Estimate], vocabulary: MetricMapping) -> dict[str, Estimate]:
    """Category -> mean of its benchmarks that may be averaged."""
    members = category_members(scores, vocabulary)
    return {category: mean_score([scores[key] for key in keys]) for category, keys in members.items()}


def uncounted(
    scores: Mapping[str, Estimate], categories: Mapping[str, Estimate], vocabulary: MetricMapping
) -> dict[str, str]:
    """What does not enter eval_accuracy, and why: {"blimp": "blimp (no category)"}."""
    found = {}
    counted = {key for keys in category_members(scores, vocabulary).values() for key in keys}
    for key, score in scores.items():
        category = vocabulary.category(key)
        if key in counted:
            continue
        if not score.averages:
            why = (
                f"{score.metric}, nothing says its unit"
                if score.unit == "unknown"
                else "no proportion of which more is better"
            )
            found[key] = f"{key} ({why})"
        elif key not in categories and (category is None or category in scores):
            found[key] = f"{key} (its category was measured itself)" if category else f"{key} (no category)"
    return dict(sorted(found.items()))


def category_order(key: str) -> tuple[int, str]:
    """Sort key: the fifteen categories in the reference's order, then everything else by name."""
    return CATEGORY_ORDER.get(key, len(CATEGORY_ORDER)), key


def overall_score(
    categories: Mapping[str, Estimate], weights: Mapping[str, float] | None, digits: int | None
) -> Estimate:
    """eval_accuracy: the plain or weighted mean of the categories."""
    keys = list(categories)
    if weights is None:
        return mean_score([categories[key] for key in keys])
    missing = [key for key in keys if key not in weights]
    if missing:
        raise ScriptError(f"--weights has no weight for {listing(missing)}; add them, or choose others by --benchmarks")
    if not any(weights[key] for key in keys):
        raise ScriptError(f"--weights gives 0 to all of {listing(keys)}; give one of them a positive weight")
    score = mean_score([categories[key] for key in keys], [weights[key] for key in keys])
    return score if digits is None else replace(score, value=round(score.value, digits))


def choose_results(results: Sequence[Result], where: str, metric: str | None, wanted: set[str]) -> list[Result]:
    """From all results of one benchmark for one checkpoint: the one that ranks, or one for each of its subtasks.

    Several metrics: the one that metric_mapping.json (or --result-id) names. The whole goes before its subtasks.
    """
    by_subtask: dict[str, list[Result]] = defaultdict(list)
    named = [r for r in results if r.result_id in wanted]
    for result in named or [r for r in results if not is_of_raters(r.metric)] or results:
        by_subtask[result.subtask].append(result)
    chosen = []
    for subtask in [""] if "" in by_subtask else sorted(by_subtask):
        rows = by_subtask[subtask]
        if len({r.metric for r in rows}) > 1:
            usual = [r for r in rows if metric and same_metric(r.metric, metric)]
            if not usual:
                ids = sorted({r.result_id for r in rows})
                raise ScriptError(f"{where}: several metrics; choose one with --result-id: {listing(ids, 20)}", code=3)
            rows = usual
        chosen.append(choose_run(rows, where))
    return chosen


def choose_run(rows: Sequence[Result], where: str) -> Result:
    """The run of a task and metric: a full one before a limited one, else that with most items; repeats are averaged.

    Runs with equal scores count once. Other settings, or another state of the model, are a choice.
    """
    if len(rows) == 1:
        return rows[0]
    ids = sorted({r.result_id for r in rows})
    if len(ids) > 1:
        raise ScriptError(f"{where}: measured in several ways; choose one with --result-id: {listing(ids, 20)}", code=3)
    full = sorted(counted_runs(rows), key=lambda r: (sorted(r.run.settings.items()), r.file))
    first = full[0]
    for other in full:
        if other.score.value == first.score.value or (
            slot_of(first.run) == slot_of(other.run) and are_repeats(first.run, other.run)
        ):
            continue
        different = difference_lines(setting_differences(first.run, other.run))
        if different:
            raise ScriptError(
                f"{where}: runs with different settings ({'; '.join(different[:3])}): {first.file} and {other.file}; "
                "give the folder of one run with --results",
                code=3,
            )
        raise ScriptError(
            f"{where}: two scores for the same settings, {first.score.value} in {first.file} ({first.run.date}) and "
            f"{other.score.value} in {other.file} ({other.run.date}), and nothing proves that the weights were the "
            "same; give the folder of one run with --results, or remove the wrong record",
            code=3,
        )
    return mean_result([r for r in full if slot_of(r.run) == slot_of(first.run)])


def counted_runs(rows: Sequence[Result]) -> list[Result]:
    """The valid runs of a result, where there are some; of these the full ones, else those on most items."""
    rows = [r for r in rows if not r.run.validity.reasons] or list(rows)
    most = max(r.score.n or 0 for r in rows)
    return [r for r in rows if not r.run.partial] or [r for r in rows if (r.score.n or 0) == most]


def one_content(results: Mapping[Any, Sequence[Result]]) -> tuple[dict[Any, list[Result]], list[str]]:
    """Each checkpoint's results without those of another content of their local task file or data; and what is said.

    A file of questions that was corrected is another benchmark under the same name. Of such versions the one that
    covers most checkpoints counts, of equals the newest. Runs that differ in more, or in no moment, stay: a choice.
    """
    found: dict[str, dict[Any, list[Result]]] = defaultdict(lambda: defaultdict(list))
    for checkpoint, own in results.items():
        for row in own:
            found[row.result_id][checkpoint].append(row)
    out: set[int] = set()
    lines = []
    for _, every in sorted(found.items()):
        rows = {checkpoint: counted_runs(own) for checkpoint, own in every.items()}
        if len({content(row) for own in rows.values() for row in own}) == 1:
            continue
        covers: dict[tuple[str, ...], dict[str, None]] = defaultdict(dict)
        moments: dict[tuple[str, ...], datetime] = {}
        for checkpoint, row in ((c, row) for c, own in rows.items() for row in own):
            version, moment = content(row), moment_of_run(row.run)
            moments[version] = max(moment, moments.get(version, moment))
            covers[version] |= {} if row.run.validity.reasons else {checkpoint.name: None}
        standing = {version: (len(covers[version]), moment) for version, moment in moments.items()}
        left = [row for own in rows.values() for row in other_contents(own, standing)]
        out |= set(map(id, left))
        newest = moments[max(standing, key=lambda version: standing[version])]
        for version, row in {content(row): row for row in reversed(left)}.items():
            missing = [c.name for c in rows if c.name not in covers[version]]
            line = f"with another content of the task's file ({row.run.date}), of {listing(covers[version], 20)}"
            if moments[version] < newest or not missing:
                lines.append(f"left out: {row.task}: older runs {line}")
            else:
                lines.append(
                    f"left out: {row.task}: newer runs {line}; ranked is the version that covers most checkpoints. To "
                    f"rank by the newer one measure it, into the same folder, for {listing(missing, 20)}, too (--model "
                    f"with these in the command that {row.file} holds)"
                )
    return {c: [row for row in own if id(row) not in out] for c, own in results.items()}, lines


def content(row: Result) -> tuple[str, ...]:
    """What a run's record says of the content of its local task file and data."""
    return tuple(row.run.settings.get(name, "") for name in CONTENT)


def other_contents(rows: Sequence[Result], standing: Mapping[tuple[str, ...], Any]) -> list[Result]:
    """Of a checkpoint's runs that differ in the content of their task file alone, those of a lesser standing."""
    best = max(rows, key=lambda row: standing[content(row)])
    others = [row for row in rows if content(row) != content(best)]
    alone = all(set(setting_differences(best.run, row.run)) <= set(CONTENT) for row in others)
    less = all(standing[content(row)] < standing[content(best)] for row in others)
    dated = all(moment_of_run(row.run) != moment_of_run(best.run) for row in others)
    hashes = all(re.fullmatch("[0-9a-f]{64}", text) for row in rows for text in content(row) if text)
    return others if alone and less and dated and hashes else []


def chosen_results(results: Sequence[Result], where: str, vocabulary: MetricMapping, wanted: set[str]) -> list[Result]:
    """The results of one checkpoint that count: one for each benchmark, or for each of its parts."""
    by_key: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        by_key[result.key].append(result)
    chosen = []
    for key, rows in by_key.items():
        metric = vocabulary.entries.get(key, {}).get("metric")
        chosen += choose_results(rows, f"{where}, {key}", metric, wanted)
    return chosen


def passed_over_lines(
    results: Mapping[Checkpoint, Sequence[Result]], chosen: Mapping[Checkpoint, Sequence[Result]]
) -> list[str]:
    """By what benchmarks are ranked whose records have acc and acc_norm, or are of several harnesses: each may order
    otherwise."""

    def way(result: Result) -> tuple[str, str]:
        return result.run.harness[0], metric_key(result.metric)

    named = Counter((result.key, way(result), result.metric) for rows in chosen.values() for result in rows)
    used: dict[str, dict[tuple[str, str], str]] = defaultdict(dict)
    left: dict[str, dict[str, str]] = defaultdict(dict)
    for (key, own, metric), count in named.items():
        if count == max(number for (other, *_), number in named.items() if other == key):  # what few have is not ranked
            used[key][own] = metric
    for rows in results.values():
        for result in rows:
            own = used.get(result.key, {})
            harness, metric = way(result)
            alone = harness not in {name for name, _ in own}
            weighed = all(name.startswith("acc") for _, name in [*own, (harness, metric)])
            if own and (alone or (weighed and (harness, metric) not in own)):
                left[result.key][result.result_id] = f"{harness}'s {result.metric}" if alone else result.metric
    return [
        f"{key} is ranked by {listing(used[key].values())}; {listing(dict.fromkeys(ids.values()))} is in the records, "
        f"too, and may order otherwise: {option_words('--result-id', next(iter(ids)))}"
        for key, ids in sorted(left.items())
    ]


def scores_by_task(chosen: Iterable[Result]) -> dict[str, dict[str, Estimate]]:
    """Benchmark -> task -> score."""
    tasks: dict[str, dict[str, Estimate]] = defaultdict(dict)
    for result in chosen:
        tasks[result.key][result.task] = result.score
    return tasks
