"""Items of two models paired, and what their scores differ by."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from parts.comparison.vocabulary import Answer, Basis, ItemId, Pairs, Run, Side
from parts.records.repeats import distinct_runs
from parts.records.shared import VoteGap
from parts.statistics.bounded import BoundedMean, mean_from_error, several_ways, two_way_variance
from parts.statistics.differences import Student, paired_difference, two_sided_p, unpaired_difference
from parts.statistics.few import FEW_ITEMS
from parts.statistics.intervals import is_binary
from parts.statistics.paired import mcnemar_p
from parts.statistics.votes import gap_evidence

if TYPE_CHECKING:
    import numpy as np

FEW_RATERS = 3
MANY_ANSWERS = 50  # from here on a recorded score comes with a standard error
SAME_VOTES = "by the same votes, whose errors are joint"
FEW_CHANGES = 10  # below, changed items of a metric without bounds cannot show how large changes are


def paired_basis(pairs: Pairs, sign: int, span: float | None) -> Basis:
    """The evidence in paired items. `sign` is -1 where less is better, `span` the width of the metric's range."""
    differences, n = sign * (pairs.candidate - pairs.baseline), pairs.n
    span = None if span is None else span * pairs.stretch
    counts = {"items": n} | {name: int(numbers.max()) + 1 for name, numbers in pairs.shared.items()}
    for name, count in counts.items():
        if count < (FEW_RATERS if name == "raters" else FEW_ITEMS):
            return Basis(None, f"too few {name} ({count}) to show how much they differ", n)
    ways = list(pairs.shared.values())
    up, down = int((differences > 0).sum()), int((differences < 0).sum())
    if span is None and up + down < FEW_CHANGES:
        return Basis(None, f"only {up + down} items differ, and the metric has no bounds", n)
    if span is None and (off := off_the_commonest(differences)) < min(FEW_CHANGES, n / 2):
        return Basis(None, f"only {off} items differ otherwise than the others, and the metric has no bounds", n)
    runs = runs_variance(pairs)
    evidence = paired_difference(differences, ways, span, runs)
    binary = is_binary(pairs.baseline) and is_binary(pairs.candidate)
    effect = design_effect(differences, ways)
    words = ["paired score interval (Newcombe)" if binary else "paired bounded means"]
    if isinstance(evidence, Student):
        words = ["paired t" if span is None else "paired t of variance components (Hall)"]
    words += [f"{counts[name]} {name}, design effect {effect:.2f}" for name in pairs.shared]
    words += [f"t with {evidence.freedom:.1f} degrees of freedom for the runs' spread"] if runs[0] else []
    return Basis(
        evidence,
        ", ".join(words),
        n,
        float((differences**2).mean()) * effect + runs[0] * n,
        binary,
        (up, down) if binary else None,
        effect,
        mcnemar_p(up, down) if binary and not ways and not runs[0] else two_sided_p(evidence),
    )


def design_effect(differences: np.ndarray, ways: Sequence[np.ndarray]) -> float:
    """How many times fewer independent items the clusters are worth; never below 1.

    Where no item differs nothing can be estimated, and items of one cluster count as one.
    """
    import numpy as np

    ways, n = several_ways(ways), len(differences)
    if ways[0] is None:
        return 1.0
    alone = float(two_way_variance(differences, [None]))
    if alone == 0:
        return max(float((np.bincount(group) ** 2).sum()) / n for group in ways)
    return max(1.0, float(two_way_variance(differences, ways)) / alone)


def runs_variance(pairs: Pairs) -> tuple[float, float]:
    """(variance that repeated runs add to the difference, its degrees of freedom).

    What the means of a side's runs spread beyond the noise of single answers; 0 where each item was asked once.
    """
    parts = []
    for spread, within, repeats in zip(pairs.between, pairs.within, pairs.repeats, strict=True):
        if repeats > 1 and spread > within / pairs.n:
            parts.append(((spread - within / pairs.n) / repeats, repeats - 1))
    total = math.fsum(variance for variance, _ in parts)
    return total, total**2 / math.fsum(v**2 / freedom for v, freedom in parts) if total else math.inf


def unpaired_basis(baseline: Run, candidate: Run) -> Basis:
    """The evidence in two scores with standard errors (or counts of right answers) and no items."""
    sign = -1 if candidate.lower_is_better else 1
    n, runs = min(baseline.n or 0, candidate.n or 0), (baseline, candidate)
    if fewest := [run.n for run in runs if run.n is not None and run.n < FEW_ITEMS]:
        return Basis(None, f"too few items ({min(fewest)}) to show how much they differ", n)
    means = [recorded_mean(run) for run in runs]
    if None not in means:
        evidence = unpaired_difference(*means)
        evidence = evidence if sign > 0 else evidence.mirrored()
        variance = n * float(sum(mean.variance for mean in means))
    else:
        errors = [run.standard_error for run in runs]
        if None in errors:
            return Basis(None, "no samples and no standard error", n)
        if not any(errors):
            return Basis(None, "standard errors of zero", n)
        evidence = Student(sign * (candidate.score - baseline.score), math.hypot(*errors))
        variance = n * math.hypot(*errors) ** 2
    return Basis(evidence, "unpaired, from standard errors", n, variance or None, p_difference=two_sided_p(evidence))


def votes_basis(baseline: Run, candidate: Run, gap: VoteGap, sign: int, span: float | None) -> Basis:
    """The evidence in two scores of one file of votes: their gap."""
    n = min(baseline.n or 0, candidate.n or 0)
    votes = min(math.fsum(count for _, count in run.votes.against.values()) for run in (baseline, candidate))
    evidence = gap_evidence(sign * gap.gap, gap.error, gap.freedom, baseline.votes.metric, votes)
    evidence = replace(evidence, span=math.inf if span is None else span)
    return Basis(evidence, SAME_VOTES, n, n * evidence.error**2 or None, p_difference=two_sided_p(evidence))


def recorded_mean(run: Run) -> BoundedMean | None:
    """A recorded score of a range of 0 to 1 with its error; one of few answers without an error, by their count."""
    if run.span != 1.0 or not 0 <= run.score <= 1:
        return None
    if run.standard_error is not None:
        return mean_from_error(run.score, run.standard_error, run.n)
    right = None if run.n is None or run.aggregation != "mean" else run.score * run.n
    exact = right is not None and abs(right - round(right)) < 1e-6 * run.n + 1e-9
    return BoundedMean(run.score, 1 / run.n, 1 / run.n) if exact and 0 < run.n < MANY_ANSWERS else None


def side_of(runs: Sequence[Run], once: bool = False) -> Side:
    """One model's runs of a benchmark: repeats averaged item by item, identical greedy ones counted once.

    once: each part counts once, whatever the number of its items.
    """
    by_part: dict[str, list[Run]] = defaultdict(list)
    for run in sorted(runs, key=lambda r: (r.seed or "", r.date, r.file)):
        by_part[run.subtask].append(run)
    kept: list[Run] = []
    notes: list[str] = []
    scores: dict[ItemId, tuple[float, ...]] = {}
    answers: dict[ItemId, Answer] = {}
    errors: set[ItemId] = set()
    parts: list[tuple[int, list[list[float]]]] = []  # how much each counts, a list of scores for each repeat
    for subtask, rows in sorted(by_part.items()):
        distinct, remarks = distinct_runs(rows)
        notes += [remark for remark in remarks if remark not in notes]
        kept += distinct
        errors |= {(subtask, name) for run in distinct for name in run.errors}
        repeats = [repeat for run in distinct for repeat in run.repeats]
        if not repeats:
            parts.append((distinct[0].n or 1, [[run.score] for run in distinct]))
            continue
        common = [name for name in repeats[0] if all(name in repeat for repeat in repeats[1:])]
        errors |= {(subtask, name) for name in set().union(*repeats).difference(common)}
        items = [(subtask, name) for name in common]
        columns = [[repeat[name].score for name in common] for repeat in repeats]
        scores.update(zip(items, zip(*columns, strict=True), strict=True))
        answers.update(zip(items, [repeats[0][name] for name in common], strict=True))
        if common:
            parts.append((len(common), columns))
    counts = {len(part) for _, part in parts}
    if len(counts) > 1:
        notes.append("its parts were repeated a different number of times")
    weights = [1 if once else size for size, _ in parts]
    run_scores = tuple(
        math.fsum(w * math.fsum(part[i]) / len(part[i]) for w, (_, part) in zip(weights, parts, strict=True))
        / sum(weights)
        for i in range(min(counts, default=0))
    )
    run_scores = run_scores or tuple(run.score for run in kept)
    return Side(tuple(kept), scores, answers, frozenset(errors), run_scores, tuple(notes))


def with_absent(baseline: Side, candidate: Side) -> tuple[Side, Side]:
    """The sides with each item that only one of them names as a lost attempt of the other: left out or null is alike.

    A run that was limited to other items than the other side's is a declared subset, and lost none of them.
    """
    sides, limits = (baseline, candidate), [{run.limit for run in side.runs} for side in (baseline, candidate)]
    if limits[0] != limits[1]:
        return sides
    asked: dict[str, set[str]] = defaultdict(set)
    for part, name in set().union(*(names for side in sides for names in (side.scores, side.errors))):
        asked[part].add(name)
    return tuple(replace(side, runs=tuple(with_lost(run, asked[run.subtask]) for run in side.runs)) for side in sides)


def with_lost(run: Run, asked: Collection[str]) -> Run:
    """The run with those of the items that it was asked and has no score of as lost ones."""
    absent = frozenset(asked) - run.errors.union(*run.repeats)
    if not run.repeats or not absent:
        return run
    rows = len(run.errors.union(absent, *run.repeats)) * len(run.repeats)
    counts = {name: max(count, rows) if name == "attempts" else count for name, count in run.counts.items()}
    return replace(run, errors=run.errors | absent, counts=counts)


@dataclass(frozen=True, slots=True)
class Matched:
    """How the items of two sides go together."""

    names: tuple[ItemId, ...]
    only_baseline: int
    only_candidate: int
    errors: int
    other_items: int
    other_texts: int  # of these, the items whose prompts differ too
    other_prompts: int
    unknown_prompts: int


def match_items(baseline: Side, candidate: Side) -> Matched:
    """Pair by id; an item whose content differs is not paired, one whose prompt differs is, and both are counted."""
    errors = baseline.errors | candidate.errors
    common = [name for name in baseline.scores if name in candidate.scores]
    names: list[ItemId] = []
    other_items = other_texts = other_prompts = unknown = 0
    for name in common:
        one, two = baseline.answers[name], candidate.answers[name]
        if one.item_hash and two.item_hash and one.item_hash != two.item_hash:
            other_items += 1
            other_texts += None not in (one.prompt_hash, two.prompt_hash) and one.prompt_hash != two.prompt_hash
            continue
        if one.prompt_hash and two.prompt_hash:
            other_prompts += one.prompt_hash != two.prompt_hash
        else:
            unknown += 1
        names.append(name)
    return Matched(
        tuple(names),
        *(
            len(side.scores) - len(common) - sum(name in side.scores and name not in other.scores for name in errors)
            for side, other in ((baseline, candidate), (candidate, baseline))
        ),
        len(errors),
        other_items,
        other_texts,
        other_prompts,
        unknown,
    )


def part_factors(names: Iterable[ItemId], once: bool) -> dict[str, float]:
    """Part -> what its items' scores are multiplied by, so that the mean over all is the mean of the parts' means.

    Of 1 where items count alike (once: each part counts alike).
    """
    sizes = Counter(part for part, _ in names)
    every = sum(sizes.values())
    return {part: every / (len(sizes) * size) if once else 1.0 for part, size in sizes.items()}


def make_pairs(baseline: Side, candidate: Side, names: Sequence[ItemId], once: bool = False) -> Pairs:
    """The paired items as arrays, sorted by what was scored so that neither names nor file order matter."""
    import numpy as np

    factors = part_factors(names, once)
    one, two = (np.array(means_in_order(side, names, factors), float) for side in (baseline, candidate))
    sharing = sharing_of_all(baseline, candidate, names)
    # The names of a cluster and a rater sort last and only among equal scores.
    order = np.lexsort((two, one))
    if sharing:
        order = sorted(range(len(names)), key=lambda i: (one[i], two[i], *sharing[i]))
    return Pairs(
        one[order],
        two[order],
        numbered_sharing([sharing[i] for i in order] if sharing else []),
        (mean_within(baseline, names, factors), mean_within(candidate, names, factors)),
        (baseline.repeats, candidate.repeats),
        (spread_of_runs(baseline, names, factors), spread_of_runs(candidate, names, factors)),
        max(factors.values(), default=1.0),
    )


def means_in_order(side: Side, names: Sequence[ItemId], factors: Mapping[str, float]) -> list[float]:
    """The mean of each item's repeats."""
    own = [(factors[name[0]], side.scores[name]) for name in names]
    return [
        factor * scores[0] if len(scores) == 1 else math.fsum([factor * score for score in scores]) / len(scores)
        for factor, scores in own
    ]


def sharing_of_all(baseline: Side, candidate: Side, names: Sequence[ItemId]) -> list[tuple[ItemId, str]]:
    """What each item shares; nothing at all where no item shares anything."""
    answers = (side.answers[name] for side in (baseline, candidate) for name in names)
    if not any(answer.group is not None or "rater" in answer.fields for answer in answers):
        return []
    return [sharing_of(baseline, candidate, name) for name in names]


def sharing_of(baseline: Side, candidate: Side, name: ItemId) -> tuple[ItemId, str]:
    """(cluster, rater) of an item; one without a group is its own cluster, one without a rater has ""."""
    own, other = candidate.answers[name], baseline.answers[name]
    group = own.group or other.group
    rater = own.fields.get("rater") or other.fields.get("rater") or ""
    return (name if group is None else (name[0], group)), rater


def numbered_sharing(sharing: Sequence[tuple[ItemId, str]]) -> dict[str, np.ndarray]:
    """ "clusters" and "raters" -> the number of each item's, where items share them."""
    shared = {"clusters": numbered_groups([cluster for cluster, _ in sharing])}
    shared["raters"] = numbered_groups([rater for _, rater in sharing]) if any(rater for _, rater in sharing) else None
    return {what: numbers for what, numbers in shared.items() if numbers is not None}


def numbered_groups(names: Sequence[Any]) -> np.ndarray | None:
    """Names as numbers in the order of their first place; None when nothing is shared."""
    import numpy as np

    numbers: dict[Any, int] = {}
    codes = [numbers.setdefault(name, len(numbers)) for name in names]
    return np.array(codes) if len(numbers) < len(names) else None


def off_the_commonest(differences: np.ndarray) -> int:
    """How many differences are not the commonest one: where all are the same, nothing says how much they may vary."""
    import numpy as np

    shares = np.round(differences / np.abs(differences).max(), 9)  # equal but for the last digits of a float
    return len(shares) - int(np.unique(shares, return_counts=True)[1].max())


def spread_of_runs(side: Side, names: Sequence[ItemId], factors: Mapping[str, float]) -> float:
    """The variance of the means of a side's runs; 0 for a single run."""
    import numpy as np

    if side.repeats < 2 or not names:
        return 0.0
    scores = [[factors[name[0]] * score for score in side.scores[name][: side.repeats]] for name in names]
    return float(np.array(scores).mean(axis=0).var(ddof=1))


def mean_within(side: Side, names: Sequence[ItemId], factors: Mapping[str, float]) -> float:
    """The mean variance of an item's repeats; 0 where each was asked once."""
    import numpy as np

    if side.repeats < 2 or not names:
        return 0.0
    own = [name for name in names if len(side.scores[name]) > 1]
    return float(np.mean([factors[name[0]] ** 2 * np.var(side.scores[name], ddof=1) for name in own]))
