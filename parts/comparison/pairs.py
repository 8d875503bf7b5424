"""Items of two models paired, and what their scores differ by."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from parts.comparison.vocabulary import Answer, Basis, ItemId, Pairs, Run, Side
from parts.statistics.evidence import (
    Evidence,
    PairedPosterior,
    PairedScore,
    StudentT,
    UnpairedPosterior,
    Widest,
    two_sided,
)
from parts.statistics.intervals import clustered_standard_error, error_of_mean, is_binary
from parts.statistics.paired import FEW_ITEMS, mcnemar_p

if TYPE_CHECKING:
    import numpy as np

FEW_CHANGES = 10  # below, a t interval of mostly equal items is too narrow
FEW_CLUSTERS = 10  # below, the clusters cannot show how much they differ


def design_effect(differences: np.ndarray, groups: np.ndarray | None) -> float:
    """How many times fewer independent items the clusters are worth; never below 1.

    Where no item differs nothing can be estimated, and items of one cluster count as one.
    """
    import numpy as np

    if groups is None:
        return 1.0
    naive = error_of_mean(differences)
    if naive == 0:
        sizes = np.bincount(groups)
        return float((sizes**2).sum() / len(differences))
    return max(1.0, (clustered_standard_error(differences, groups) / naive) ** 2)


def paired_basis(pairs: Pairs, sign: int, span: float | None) -> Basis:
    """The evidence in paired items. `sign` is -1 where less is better, `span` the width of the metric's range."""
    import numpy as np

    differences, n = sign * (pairs.candidate - pairs.baseline), pairs.n
    if n < 2:
        return Basis(None, f"{n} paired items", n)
    clusters = None if pairs.groups is None else int(pairs.groups.max()) + 1
    if clusters is not None and clusters < FEW_CLUSTERS:
        return Basis(None, f"too few clusters ({clusters}) to show how much they differ", n)
    effect = design_effect(differences, pairs.groups)
    df = math.inf if clusters is None else clusters - 1
    up, down = int((differences > 0).sum()), int((differences < 0).sum())
    small = n / effect < FEW_ITEMS
    counts = up / effect, down / effect, n / effect
    by_counts: Evidence = PairedPosterior(*counts) if small else PairedScore(*counts, df)
    counted = "Dirichlet posterior" if small else "score interval (Tango)"
    method = counted if clusters is None else f"{counted}, design effect {effect:.2f}"
    common = {"n": n, "variance": float((differences**2).mean()) * effect, "design_effect": effect}
    if is_binary(pairs.baseline) and is_binary(pairs.candidate):
        p_difference = mcnemar_p(up, down) if clusters is None else two_sided(by_counts)
        return Basis(by_counts, method, binary=True, discordant=(up, down), p_difference=p_difference, **common)
    if clusters is None:
        student = StudentT(float(differences.mean()), error_of_mean(differences), n - 1)
        units, weights = differences, np.ones(n)
        method = "paired t" if n >= FEW_ITEMS else "paired t (the posterior under a flat prior)"
    else:
        error = clustered_standard_error(differences, pairs.groups)
        student = StudentT(float(differences.mean()), error, clusters - 1)
        units, weights = np.bincount(pairs.groups, differences), np.bincount(pairs.groups).astype(float)
        method = f"clustered t ({clusters} clusters)"
    common |= {"p_difference": two_sided(student), "differences": units, "weights": weights}
    if up + down >= FEW_CHANGES:
        return Basis(student, method, **common)
    if span is None:
        return Basis(None, f"only {up + down} items differ, and the metric has no bounds", n)
    widened = Widest((student, replace(by_counts, reach=span)))
    return Basis(widened, f"{method}, widened: only {up + down} items differ", **common)


def unpaired_basis(baseline: Run, candidate: Run) -> Basis:
    """The evidence in two scores with standard errors (or counts) and no items."""
    sign = -1 if candidate.lower_is_better else 1
    n = min(baseline.n or 0, candidate.n or 0)
    counts = [right_answers(run) for run in (baseline, candidate)]
    if None not in counts and 0 < n < FEW_ITEMS:
        posterior: Evidence = UnpairedPosterior(*counts)
        return Basis(posterior if sign > 0 else posterior.mirrored(), "unpaired Beta posteriors", n)
    errors = [usable_error(run, count) for run, count in zip((baseline, candidate), counts, strict=True)]
    if None in errors:
        return Basis(None, "no samples and no standard error", n)
    error = math.hypot(*errors)
    if error == 0:
        return Basis(None, "standard errors of zero", n)
    evidence = StudentT(sign * (candidate.score - baseline.score), error, math.inf)
    variance = error**2 * n if n else None
    return Basis(evidence, "unpaired, from standard errors", n, variance, p_difference=two_sided(evidence))


def right_answers(run: Run) -> tuple[float, float] | None:
    """(right answers, items) when a score is a count of right answers, as far as its value tells."""
    if run.n is None or run.unit != "proportion" or run.aggregation != "mean":
        return None
    right = round(run.score * run.n)
    return (right, run.n) if abs(right - run.score * run.n) < 1e-6 * run.n + 1e-9 else None


def usable_error(run: Run, counts: tuple[float, float] | None) -> float | None:
    """A run's standard error. All right or all wrong gives 0, which is no error: then that of two more right and wrong
    answers (Agresti and Coull 1998)."""
    if run.standard_error == 0 and counts is not None:
        share = (counts[0] + 2) / (counts[1] + 4)
        return math.sqrt(share * (1 - share) / (counts[1] + 4))
    return run.standard_error


def side_of(runs: Sequence[Run]) -> Side:
    """One model's runs of a benchmark: repeats averaged item by item, identical greedy ones counted once."""
    by_part: dict[str, list[Run]] = defaultdict(list)
    for run in sorted(runs, key=lambda r: (r.seed or "", r.date, r.file)):
        by_part[run.subtask].append(run)
    kept: list[Run] = []
    notes: list[str] = []
    scores: dict[ItemId, tuple[float, ...]] = {}
    answers: dict[ItemId, Answer] = {}
    errors: set[ItemId] = set()
    parts: list[list[list[float]]] = []
    for subtask, rows in sorted(by_part.items()):
        distinct, remarks = distinct_runs(rows)
        notes += [remark for remark in remarks if remark not in notes]
        kept += distinct
        errors |= {(subtask, name) for run in distinct for name in run.errors}
        repeats = [repeat for run in distinct for repeat in run.repeats]
        if not repeats:
            parts.append([[run.score] for run in distinct])
            continue
        common = set(repeats[0]).intersection(*repeats[1:])
        errors |= {(subtask, name) for name in set().union(*repeats) - common}
        for name in common:
            scores[subtask, name] = tuple(repeat[name].score for repeat in repeats)
            answers[subtask, name] = repeats[0][name]
        parts.append([[repeat[name].score for name in sorted(common)] for repeat in repeats])
    counts = {len(part) for part in parts}
    if len(counts) > 1:
        notes.append("its parts were repeated a different number of times")
    pooled = [[score for part in parts for score in part[i]] for i in range(min(counts))]
    run_scores = tuple(math.fsum(values) / len(values) for values in pooled if values)
    run_scores = run_scores or tuple(run.score for run in kept)
    return Side(tuple(kept), scores, answers, frozenset(errors), run_scores, tuple(notes))


def distinct_runs(runs: Sequence[Run]) -> tuple[list[Run], list[str]]:
    """The runs that tell something new, and remarks about the others."""
    if len(runs) == 1:
        return list(runs), []
    kept: list[Run] = []
    same = 0
    for run in runs:
        if any(is_copy(run, other) for other in kept):
            same += 1
        else:
            kept.append(run)
    remarks = [f"{same + 1} identical greedy repeats count once"] if same else []
    if len(kept) > 1 and all(is_greedy(run) for run in kept):
        remarks.append(f"{len(kept)} greedy runs differ: the engine is not deterministic; they are averaged")
    return kept, remarks


def is_greedy(run: Run) -> bool:
    """Whether a second run must give the same answers: nothing is drawn at random."""
    return not run.temperature


def is_copy(run: Run, other: Run) -> bool:
    """Whether a run repeats another and adds nothing: the same scores, and the same draws (or none)."""
    if not (is_greedy(run) and is_greedy(other)) and (run.seed is None or run.seed != other.seed):
        return False
    if run.score != other.score or run.errors != other.errors or len(run.repeats) != len(other.repeats):
        return False
    for one, two in zip(run.repeats, other.repeats, strict=True):
        if {name: a.score for name, a in one.items()} != {name: a.score for name, a in two.items()}:
            return False
    return True


@dataclass(frozen=True, slots=True)
class Matched:
    """How the items of two sides go together."""

    names: tuple[ItemId, ...]
    only_baseline: int
    only_candidate: int
    errors: int
    other_items: int
    other_prompts: int
    unknown_prompts: int


def match_items(baseline: Side, candidate: Side) -> Matched:
    """Pair by id; an item whose content differs is not paired, one whose prompt differs is, and both are counted."""
    errors = baseline.errors | candidate.errors
    common = set(baseline.scores) & set(candidate.scores)
    names: list[ItemId] = []
    other_items = other_prompts = unknown = 0
    for name in common:
        one, two = baseline.answers[name], candidate.answers[name]
        if one.item_hash and two.item_hash and one.item_hash != two.item_hash:
            other_items += 1
            continue
        if one.prompt_hash and two.prompt_hash:
            other_prompts += one.prompt_hash != two.prompt_hash
        else:
            unknown += 1
        names.append(name)
    return Matched(
        tuple(names),
        len(set(baseline.scores) - set(candidate.scores) - errors),
        len(set(candidate.scores) - set(baseline.scores) - errors),
        len(errors),
        other_items,
        other_prompts,
        unknown,
    )


def make_pairs(baseline: Side, candidate: Side, names: Sequence[ItemId]) -> Pairs:
    """The paired items as arrays, sorted by what was scored so that neither names nor file order matter."""
    import numpy as np

    groups = [candidate.answers[name].group or baseline.answers[name].group for name in names]
    shared = any(count > 1 for group, count in Counter(groups).items() if group is not None)
    rows = []
    for name, group in zip(names, groups, strict=True):
        one, two = baseline.scores[name], candidate.scores[name]
        # An item without a group is its own; the name of a group sorts last and only among equal scores.
        cluster = (name[0], group) if group is not None else name
        rows.append((math.fsum(one) / len(one), math.fsum(two) / len(two), cluster))
    rows.sort()
    numbers: dict[Any, int] = {}
    codes = [numbers.setdefault(row[2], len(numbers)) for row in rows] if shared else None
    return Pairs(
        np.array([row[0] for row in rows], float),
        np.array([row[1] for row in rows], float),
        None if codes is None else np.array(codes),
        (mean_within(baseline, names), mean_within(candidate, names)),
        (baseline.repeats, candidate.repeats),
    )


def mean_within(side: Side, names: Sequence[ItemId]) -> float:
    """The mean variance of an item's repeats; 0 where each was asked once."""
    import numpy as np

    if side.repeats < 2 or not names:
        return 0.0
    return float(np.mean([np.var(side.scores[name], ddof=1) for name in names if len(side.scores[name]) > 1]))
