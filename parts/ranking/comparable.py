"""Which checkpoints can be compared, and what differs in the rest."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from parts.checkpoints import Checkpoint
from parts.frame import MANY, ScriptError, listing, number
from parts.ranking.scores import mean_score, scores_by_task
from parts.ranking.vocabulary import Unlike
from parts.records.measured import Result, Samples
from parts.statistics.intervals import CONFIDENCE, wilson_interval
from parts.vocabulary import MetricMapping, normalize_name


def invalid_runs(results: Sequence[Result], vocabulary: MetricMapping, runs: int) -> list[str]:
    """Why a checkpoint's runs are not valid: many answers that are none, or a score below that of guessing.

    Below guessing: the upper end of Wilson's interval, which holds for all `runs` together (Bonferroni).
    """
    reasons = []
    by_key: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        by_key[result.key].append(result)
    for key, rows in sorted(by_key.items()):
        asked = sum((r.score.n or 0) + r.counts.get("unscored", 0) for r in rows)
        for what in ("empty", "truncated", "unparsed", "unscored"):
            count = sum(r.counts.get(what, 0) for r in rows)
            if asked and count / asked > MANY:
                reasons.append(f"{key}: {count} of {asked} answers {what}")
        score, chance = mean_score([r.score for r in rows]), chance_level(rows[0], vocabulary)
        if chance is not None and score.n:
            high = wilson_interval(score.value * score.n, score.n, 1 - (1 - CONFIDENCE) / runs)[1]
            if high < chance:
                reasons.append(f"{key}: {number(score.value)} is below chance, {number(chance)}")
    return reasons


def chance_level(result: Result, vocabulary: MetricMapping) -> float | None:
    """The score of guessing, as a proportion, when metric_mapping.json has one for this metric."""
    entry = vocabulary.entries.get(result.key, {})
    same = result.score.averages and normalize_name(result.metric) == normalize_name(str(entry.get("metric")))
    if not same or entry.get("chance") is None:
        return None
    return entry["chance"] * (0.01 if entry["unit"] == "percent" else 1)


def with_sample_counts(
    chosen: Mapping[Checkpoint, Sequence[Result]], samples: Mapping[Checkpoint, Mapping[str, Samples]]
) -> dict[Checkpoint, list[Result]]:
    """The results, with the empty answers counted in the samples where the record has not counted them."""
    counted: dict[Checkpoint, list[Result]] = {}
    for checkpoint, results in chosen.items():
        counted[checkpoint] = []
        for result in results:
            own = samples.get(checkpoint, {}).get(result.task)
            empty = {} if own is None or own.empty is None else {"empty": own.empty}
            counted[checkpoint].append(replace(result, counts={**result.counts, **empty}) if empty else result)
    return counted


def item_marks(
    chosen: Mapping[Checkpoint, Sequence[Result]], samples: Mapping[Checkpoint, Mapping[str, Samples]]
) -> dict[tuple[Checkpoint, str], tuple[int | None, str, str]]:
    """(items, digest of the items, digest of the prompts) of every run.

    A run without samples is taken to have the items of most others with as many items: nothing says otherwise.
    """
    marks: dict[tuple[Checkpoint, str], tuple[int | None, str, str]] = {}
    common: dict[tuple[str, int | None], Counter[tuple[str, str]]] = defaultdict(Counter)
    for checkpoint, results in chosen.items():
        for result in results:
            own = samples.get(checkpoint, {}).get(result.task)
            if own is not None:
                marks[checkpoint, result.task] = len(own.keys), own.items_digest, own.prompts_digest
                common[result.task, len(own.keys)][own.items_digest, own.prompts_digest] += 1
    for checkpoint, results in chosen.items():
        for result in results:
            if (checkpoint, result.task) not in marks:
                n = None if result.score.n is None else result.score.n + result.counts.get("unscored", 0)
                most = common[result.task, n].most_common(1)
                marks[checkpoint, result.task] = n, *(most[0][0] if most else ("", ""))
    return marks


def unlike_checkpoints(
    chosen: Mapping[Checkpoint, Sequence[Result]],
    samples: Mapping[Checkpoint, Mapping[str, Samples]],
    shared: set[str],
    vocabulary: MetricMapping,
    allowed: bool,
) -> list[Unlike]:
    """The checkpoints that cannot be compared with the others, and why; ScriptError(code=3) when it is a choice.

    Compared are the valid ones that were measured alike: on most items, and of these the most checkpoints.
    """
    shares = {c: sorted((r for r in rows if r.key in shared), key=lambda r: r.task) for c, rows in chosen.items()}
    runs = sum(len({r.key for r in rows if chance_level(r, vocabulary) is not None}) for rows in shares.values())
    reasons = {c: invalid_runs(rows, vocabulary, max(1, runs)) for c, rows in shares.items()}
    marks = item_marks(shares, samples)
    groups: dict[tuple[Any, ...], list[Checkpoint]] = defaultdict(list)
    for checkpoint, rows in shares.items():
        if not reasons[checkpoint]:
            groups[tuple((r.task, *r.conditions.values(), marks[checkpoint, r.task]) for r in rows)].append(checkpoint)
    group = compared_group(
        groups,
        allowed,
        lambda c: sum(marks[c, r.task][0] or 0 for r in shares[c]),
        lambda one, other: differences(one, other, shares, marks),
    )
    if group is None:
        first = next(iter(shares))
        raise ScriptError(
            f"no checkpoint was measured validly ({first.name}: {listing(reasons[first])}); choose other benchmarks "
            "with --benchmarks, or rank all the same with --allow-unlike",
            code=3,
        )
    entries = []
    for checkpoint, rows in shares.items():
        if group and checkpoint not in group and not reasons[checkpoint]:
            reasons[checkpoint] = differences(checkpoint, group[0], shares, marks)
        if reasons[checkpoint]:
            tasks = scores_by_task(rows)
            scores = {key: mean_score(list(tasks[key].values())) for key in sorted(tasks)}
            entries.append(Unlike(checkpoint, tuple(reasons[checkpoint]), scores))
    return entries


def compared_group(
    groups: Mapping[tuple[Any, ...], list[Checkpoint]],
    allowed: bool,
    items: Callable[[Checkpoint], int],
    why: Callable[[Checkpoint, Checkpoint], list[str]],
) -> list[Checkpoint] | None:
    """Of the checkpoints measured alike, those on most items, and of these the largest group; None without any.

    ScriptError(code=3) when two groups are equal in both, or when it is a single one of several checkpoints.
    """
    ordered = sorted(groups.values(), key=lambda group: (-items(group[0]), -len(group)))
    if not ordered:
        return [] if allowed else None
    first, *others = ordered
    if allowed or not others:
        return first
    if len(first) == 1 or (items(first[0]), len(first)) == (items(others[0][0]), len(others[0])):
        one, other = first[0], others[0][0]
        raise ScriptError(
            f"not measured alike, so not comparable: {other.name} has {'; '.join(why(other, one))} as {one.name} has; "
            "evaluate them alike, give one run's folder with --results, or rank all the same with --allow-unlike",
            code=3,
        )
    return first


def differences(
    checkpoint: Checkpoint,
    other: Checkpoint,
    shares: Mapping[Checkpoint, Sequence[Result]],
    marks: Mapping[tuple[Checkpoint, str], tuple[int | None, str, str]],
) -> list[str]:
    """In what a checkpoint's runs differ from those of another one: "harness: a 1.0, not a 1.1 (gsm8k, boolq)"."""
    found: dict[str, list[str]] = defaultdict(list)
    for own, its in zip(shares[checkpoint], shares[other], strict=True):
        for name, value in own.conditions.items():
            if value != its.conditions[name]:
                found[f"{name}: {value or 'none'}, not {its.conditions[name] or 'none'}"].append(own.task)
        mark, others = marks[checkpoint, own.task], marks[other, own.task]
        if mark[0] != others[0]:
            found[f"{mark[0]} items, not {others[0]}"].append(own.task)
        elif mark[1] != others[1]:
            found["other items"].append(own.task)
        elif mark[2] != others[2]:
            found["other prompts"].append(own.task)
    return [f"{what} ({listing(tasks, 3)})" for what, tasks in found.items()]
