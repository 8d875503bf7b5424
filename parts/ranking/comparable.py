"""Which checkpoints can be compared, and what differs in the rest."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence

from parts.checkpoints import Checkpoint
from parts.frame import ScriptError, listing, option_words
from parts.ranking.scores import mean_score, scores_by_task
from parts.ranking.vocabulary import Unlike
from parts.records.measured import Result, Samples
from parts.records.run import setting_differences, unlike_scales
from parts.records.settings import difference_lines, shortened_apart
from parts.statistics.item_statistics import unlike_lengths

MANY_ITEMS = 10**9  # more than a run has: one over a part of its items stands behind those of unknown size


def invalid_runs(results: Sequence[Result]) -> list[str]:
    """Why a checkpoint's runs may not be ranked, by the gate that every reader asks."""
    found: dict[str, list[str]] = defaultdict(list)
    for result in results:
        for reason in result.run.validity.reasons:
            found[f"{result.key}: {reason}"].append(result.subtask)
    return [line + (f" ({listing(parts, 3)})" if any(parts) else "") for line, parts in found.items()]


def other_scales(results: Sequence[Result], others: Sequence[Result]) -> list[str]:
    """Where a checkpoint's scores are on other scales than another one's, so that nothing allows to rank them."""
    own = {result.task: result.run for result in others}
    found = {r.task: unlike_scales(r.run, own[r.task]) for r in results if r.task in own}
    return [f"{task}: {line}" for task, unlike in found.items() for line in difference_lines(unlike)]


def remedy_of(results: Sequence[Result]) -> str:
    """What to do about a checkpoint's invalid runs."""
    runs = [result.run for result in results if result.run.validity.reasons]
    if any(run.lost_items or run.conflict for run in runs):
        return "convert its files again (convert_results.py says what is wrong with them)"
    return "look at its samples and measure it again"


def item_marks(
    chosen: Mapping[Checkpoint, Sequence[Result]], samples: Mapping[Checkpoint, Mapping[str, Samples]]
) -> dict[tuple[Checkpoint, str], tuple[int | None, str, str]]:
    """(items, digest of the items, digest of the prompts) of every run.

    A run without samples is taken to have the items of most others with as many items: nothing says otherwise. Scores
    of one file of votes are alike where the votes tell how far each is above each.
    """
    marks: dict[tuple[Checkpoint, str], tuple[int | None, str, str]] = {}
    common: dict[tuple[str, int | None], Counter[tuple[str, str]]] = defaultdict(Counter)
    for checkpoint, results in chosen.items():
        for result in results:
            own = samples.get(checkpoint, {}).get(result.task)
            if own is None and result.run.votes is not None and result.run.votes.gaps:
                votes = result.run.votes
                marks[checkpoint, result.task] = None, f"{votes.file} {sorted({votes.system, *votes.gaps})}", ""
            elif own is not None:
                marks[checkpoint, result.task] = len(own.keys), own.items_digest, own.prompts_digest
                common[result.task, len(own.keys)][own.items_digest, own.prompts_digest] += 1
    for checkpoint, results in chosen.items():
        for result in results:
            if (checkpoint, result.task) not in marks:
                made = result.attempts.made
                n = None if made is None else made // result.run.times
                most = common[result.task, n].most_common(1)
                marks[checkpoint, result.task] = n, *(most[0][0] if most else ("", ""))
    return marks


def unlike_checkpoints(
    chosen: Mapping[Checkpoint, Sequence[Result]],
    samples: Mapping[Checkpoint, Mapping[str, Samples]],
    shared: set[str],
    allowed: bool,
    base: str | None = None,
) -> list[Unlike]:
    """The checkpoints that cannot be compared with the others, and why; ScriptError(code=3) when it is a choice.

    Compared are the valid ones that were measured alike: on most items, and of these the most checkpoints. The model of
    the name `base` is held against them, and chooses none of them.
    """
    shares = {c: sorted((r for r in rows if r.key in shared), key=lambda r: r.task) for c, rows in chosen.items()}
    reasons = {c: invalid_runs(rows) for c, rows in shares.items()}
    marks = item_marks(shares, samples)
    groups: list[list[Checkpoint]] = []
    for checkpoint in shares:
        if not reasons[checkpoint] and checkpoint.name != base:
            alike = (group for group in groups if not differences(checkpoint, group[0], shares, marks))
            group = next(alike, None)
            if group is None:
                groups.append(group := [])
            group.append(checkpoint)
    group = compared_group(
        groups,
        allowed,
        lambda c: (
            sum(marks[c, r.task][0] or 0 for r in shares[c]) - sum(MANY_ITEMS for r in shares[c] if r.run.partial)
        ),
        lambda one, other: differences(one, other, shares, marks),
        lambda: alike_benchmarks([c for c in shares if not reasons[c]], shares, marks),
        [f"{c.name} is not valid ({listing(lines, 3)})" for c, lines in reasons.items() if lines],
    )
    if group is None:
        first = next(c for c in shares if c.name != base)
        raise ScriptError(
            f"no checkpoint was measured validly ({first.name}: {listing(reasons[first])}); "
            f"{remedy_of(shares[first])}, choose other benchmarks with --benchmarks, or rank all the same with "
            "--allow-unlike",
            code=3,
        )
    entries, compared = [], set(group)
    for checkpoint, rows in shares.items():
        if group and checkpoint not in compared and not reasons[checkpoint]:
            reasons[checkpoint] = differences(checkpoint, group[0], shares, marks)
        if reasons[checkpoint]:
            tasks = scores_by_task(rows)
            scores = {key: mean_score(list(tasks[key].values())) for key in sorted(tasks)}
            entries.append(Unlike(checkpoint, tuple(reasons[checkpoint]), scores))
    return entries


def compared_group(
    groups: Sequence[list[Checkpoint]],
    allowed: bool,
    items: Callable[[Checkpoint], int],
    why: Callable[[Checkpoint, Checkpoint], list[str]],
    alike: Callable[[], list[str]],
    invalid: Sequence[str],
) -> list[Checkpoint] | None:
    """Of the checkpoints measured alike, those on most items, and of these the largest group; None without any.

    ScriptError(code=3) when two groups are equal in both, or when it is a single one of several checkpoints.
    """
    ordered = sorted(groups, key=lambda group: (-items(group[0]), -len(group)))
    if not ordered:
        return [] if allowed else None
    first, *others = ordered
    if allowed or not others:
        return first
    if len(first) == 1 or (items(first[0]), len(first)) == (items(others[0][0]), len(others[0])):
        one = first[0]
        pair = f"{option_words('--baseline', one.name)} {option_words('--candidate', others[0][0].name)}"
        unlike = [f"{listing(c.name for c in group)} has {'; '.join(why(group[0], one))}" for group in others]
        rest = (
            f"rank by what was measured alike with {option_words('--benchmarks', ','.join(keys))}, "
            if (keys := alike())
            else ""
        )
        raise ScriptError(
            f"not measured alike, so not comparable: {listing(unlike, 5)}, as {listing(c.name for c in first)} has; "
            f"{''.join(f'{line}; ' for line in invalid[:5])}"
            f"{rest}evaluate them alike (compare_results.py {pair} with "
            "the same --results prints the command), or rank all the same with --allow-unlike",
            code=3,
        )
    return first


def alike_benchmarks(
    checkpoints: Sequence[Checkpoint],
    shares: Mapping[Checkpoint, Sequence[Result]],
    marks: Mapping[tuple[Checkpoint, str], tuple[int | None, str, str]],
) -> list[str]:
    """The benchmarks for which all of these checkpoints were measured alike."""
    first = checkpoints[0]
    keys = dict.fromkeys(result.key for result in shares[first])
    found = []
    for key in keys:
        own = {c: [result for result in shares[c] if result.key == key] for c in checkpoints}
        found += [] if any(differences(c, first, own, marks) for c in checkpoints) else [key]
    return found


def differences(
    checkpoint: Checkpoint,
    other: Checkpoint,
    shares: Mapping[Checkpoint, Sequence[Result]],
    marks: Mapping[tuple[Checkpoint, str], tuple[int | None, str, str]],
) -> list[str]:
    """In what a checkpoint's runs differ from those of another one: "harness: a 1.0, not a 1.1 (gsm8k, boolq)"."""
    found: dict[str, list[str]] = defaultdict(list)
    for own, its in zip(shares[checkpoint], shares[other], strict=True):
        mark, others = marks[checkpoint, own.task], marks[other, own.task]
        alone = mark[0] != others[0] and None in (mark[0], others[0])
        for name, values in setting_differences(own.run, its.run).items():
            found[f"{name}: {', not '.join(shortened_apart(*values))}"].append(own.task)
        if mark[:2] == others[:2] and (unlike := unlike_lengths(own.run.length, its.run.length)):
            found[unlike].append(own.task)
        if alone:
            whose = "its items are not here" if mark[0] is None else "its items are here, those of the others are not"
            found[f"{whose} (details or samples of the run)"].append(own.task)
        elif mark[0] != others[0]:
            found[f"{mark[0]} items, not {others[0]}"].append(own.task)
        elif own.run.partial != its.run.partial:
            found[f"{own.run.partial or 'all items'}, not {its.run.partial or 'all'}"].append(own.task)
        elif mark[1] != others[1]:
            found["other items"].append(own.task)
        elif mark[2] != others[2]:
            found["other prompts"].append(own.task)
    return [f"{what} ({listing(tasks, 3)})" for what, tasks in found.items()]
