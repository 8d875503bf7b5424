"""Verdicts: rows judged under one error budget, and the decision."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from parts.comparison.history import drift_text, with_history
from parts.comparison.losses import within_losses, within_writing
from parts.comparison.pareto import RANDOM_SEED, joint_scores, pareto_of
from parts.comparison.rows import Question, make_rows
from parts.comparison.vocabulary import (
    ABSENT,
    BETTER,
    GO,
    INCONCLUSIVE,
    NO_GO,
    NO_REGRESSION,
    NOT_COMPARABLE,
    OBSERVED,
    REGRESSION,
    STYLES,
    UNCHANGED,
    UNDECIDED_WAYS,
    Decision,
    Policy,
    Row,
)
from parts.frame import ScriptError, listing
from parts.own_vocabulary import own_entries
from parts.records.warnings import chance_lines, partial_lines, same_weights_line
from parts.statistics.differences import items_needed
from parts.statistics.paired import step_levels

MAX_T_DRAWS = 40_000


def judge(rows: Sequence[Row], policy: Policy, candidates: int) -> list[Row]:
    """The rows with their verdicts: the gate's benchmarks share one error budget, the others another.

    Candidates of which the best one is taken each have a family of their own: all of them must fail for a NO-GO.
    """
    names = dict.fromkeys(row.candidate for row in rows)
    families = [rows] if policy.rule == "select" else [[row for row in rows if row.candidate == name] for name in names]
    share = picking_level(rows, policy, candidates)
    judged = {id(row): row for row in rows}
    for members in families:
        for blocking in (True, False):
            family = [row for row in members if is_gated(row, policy) == blocking and has_evidence(row)]
            for row, levels, adjusted in zip(family, *family_levels(family, policy, blocking, share), strict=True):
                found = judge_row(row, policy, levels, adjusted)
                judged[id(row)] = within_writing(within_losses(found, policy), policy)
    return [judged[id(row)] for row in rows]


def is_gated(row: Row, policy: Policy) -> bool:
    """Whether a row is of the gate: a benchmark that blocks, or a part of one, whose shown failure blocks."""
    return row.blocking or (bool(row.by) and policy.blocks(row.key))


def picking_level(rows: Sequence[Row], policy: Policy, candidates: int) -> float:
    """The level at which one candidate's claims are tested, so that the best of all that were tried is one by chance in
    at most alpha: Bonferroni's, or what the candidates' correlation allows where all of them are there (max-t)."""
    tried = max(policy.tried or 1, candidates)
    alone = policy.alpha / tried
    if tried == 1 or tried > candidates or policy.rule == "select":
        return alone
    tested = [row for row in rows if row.blocking and has_evidence(row)]
    return max(alone, max_t_level(tested, policy.alpha)) if tested else alone


def max_t_level(rows: Sequence[Row], alpha: float) -> float:
    """The level of one test among all of several candidates and benchmarks that share items (Westfall and Young 1993).

    The largest of the statistics is drawn from normal ones with the correlations that the items have.
    """
    import numpy as np
    from scipy import special

    by_label: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_label[row.label].append(row)
    rng, largest = np.random.default_rng(RANDOM_SEED), np.full(MAX_T_DRAWS, -np.inf)
    for own in by_label.values():
        correlation = np.eye(len(own))
        if len(own) > 1 and all(row.pairs is not None for row in own):
            scores, groups = joint_scores(own)
            changes = scores[:, 1:] - scores[:, :1]
            sums = np.stack([np.bincount(groups, column - column.mean()) for column in changes.T])
            if (sums.std(axis=1) > 0).all():
                correlation = np.corrcoef(sums)
        values, vectors = np.linalg.eigh(correlation)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        largest = np.maximum(largest, (root @ rng.standard_normal((len(own), MAX_T_DRAWS))).max(axis=0))
    return float(special.ndtr(-np.quantile(largest, 1 - alpha)))


def has_evidence(row: Row) -> bool:
    """Whether a row can be judged."""
    return row.verdict == INCONCLUSIVE and row.basis is not None and row.basis.evidence is not None


def family_levels(
    family: Sequence[Row], policy: Policy, blocking: bool, share: float
) -> tuple[list[tuple[float, float]], list[dict[str, float]]]:
    """For each row of a family the one-sided levels of its (lower, upper) bound, and its adjusted p-values.

    A gate passes only when every benchmark passes, so a pass needs no correction for their number (an
    intersection-union test, Berger 1982), only for that of the candidates: `share` is what one of them has of alpha. It
    fails when any benchmark fails, or any part of one (--by), so failing is corrected by Holm; parts that pass are
    claimed one by one: Holm over the parts. "select" claims improvements one by one: Holm, and
    at most the share. What cannot block is exploration: Benjamini-Hochberg.
    """
    alpha, select = policy.alpha, policy.rule == "select"
    method = "holm" if blocking else "fdr_bh"
    passes = [row.basis.evidence.p_above(0.0 if select else row.threshold) for row in family]
    fails = [row.basis.evidence.p_below(row.threshold) for row in family]
    failing = step_levels(fails, alpha, method)
    parts = iter(step_levels([p for p, row in zip(passes, family, strict=True) if row.by], alpha, "holm"))
    passing = [next(parts) if row.by else (p, alpha) for p, row in zip(passes, family, strict=True)]
    passing = step_levels(passes, alpha, method) if select or not blocking else passing
    if blocking:
        pairs = zip(passes, passing, strict=True)
        passing = [(max(q, min(1.0, p * alpha / share)), min(level, share)) for p, (q, level) in pairs]
    levels = [(low, high) for (_, low), (_, high) in zip(passing, failing, strict=True)]
    adjusted = [
        {"pass": p, "pass_adjusted": pass_q, "fail": q, "fail_adjusted": fail_q}
        for p, q, (pass_q, _), (fail_q, _) in zip(passes, fails, passing, failing, strict=True)
    ]
    return levels, adjusted


def judge_row(row: Row, policy: Policy, levels: tuple[float, float], p_values: Mapping[str, float]) -> Row:
    """One row's verdict at its levels."""
    evidence, select = row.basis.evidence, policy.rule == "select"
    if select:
        p_values = {**p_values, "no_regression": evidence.p_above(row.threshold)}
    above, below = (BETTER, REGRESSION) if select else (GO, NO_GO)
    verdict = INCONCLUSIVE
    if p_values["pass"] <= levels[0]:
        verdict = above
    elif select and p_values["no_regression"] <= levels[0]:
        verdict = NO_REGRESSION
    elif p_values["fail"] <= levels[1]:
        verdict = below
    bounds = evidence.lower(levels[0]), evidence.upper(levels[1])
    row = replace(row, verdict=verdict, levels=levels, bounds=bounds, p_values=p_values)
    if row.noise is not None and abs(row.delta) <= row.noise.half_width:
        row = replace(row, notes=(*row.notes, "within the A/A noise"))
    return with_items_needed(row, policy) if verdict == INCONCLUSIVE else row


def with_items_needed(row: Row, policy: Policy) -> Row:
    """An undecided row with the number of items that would decide it at its own level with the policy's power, and
    under which assumption."""
    evidence, n, levels = row.basis.evidence, row.basis.n, row.levels
    limit = 0.0 if policy.rule == "select" else row.threshold
    below = row.sign * row.delta < limit and (row.role == "target" or policy.rule == "select")
    observed = row if below else with_items_that_show(row, limit, levels, policy.power)
    if row.role == "general" and row.threshold < 0 and n:
        needed = items_needed(evidence, n, row.threshold, levels[0], policy.power, unchanged=True)
        if needed is None or needed > n:
            low, high = evidence.interval(policy.alpha)
            if low <= 0 <= high:
                return replace(row, items_needed=needed, needed_if=UNCHANGED)
            return replace(observed, needed_unchanged=needed)  # a change is shown: first of its size
    return observed


def with_items_that_show(row: Row, limit: float, levels: tuple[float, float], power: float) -> Row:
    """The row with the items that show on which side of the limit it lies, if it lies where it seems to."""
    distance = row.sign * row.delta - limit
    if distance == 0 or not row.basis.n:  # where nobody says how many there are, so many times more is no number
        return row
    evidence, n = row.basis.evidence, row.basis.n
    side, edge, level = (evidence, limit, levels[0]) if distance > 0 else (evidence.mirrored(), -limit, levels[1])
    needed = items_needed(side, n, edge, level, power)
    needed = None if needed is None else max(needed, n + 1)
    return replace(row, items_needed=needed, needed_if=OBSERVED)


def candidate_verdict(rows: Sequence[Row], policy: Policy) -> tuple[str, list[str]]:
    """One candidate's verdict from its rows, and the reasons in words."""
    gate = [row for row in rows if row.blocking]
    undecided = [row for row in gate if row.verdict == INCONCLUSIVE]
    ways = {way: [r.label for r in undecided if policy.undecided.get(r.tier, "ask") == way] for way in UNDECIDED_WAYS}
    of = {verdict: [row.label for row in gate if row.verdict == verdict] for verdict in STYLES}
    of[INCONCLUSIVE] = ways["ask"]
    parts = [row.label for row in rows if row.by and is_gated(row, policy) and row.verdict in (NO_GO, REGRESSION)]
    bad = of[NO_GO] + of[REGRESSION] + parts
    words = "a regression is shown on" if policy.rule == "select" else "the limit is missed, shown by the interval, on"
    if bad or ways["fail"]:
        reasons = [f"{words} {listing(bad, 20)}"] if bad else []
        reasons += [f"undecided, a failure by the policy: {listing(ways['fail'], 20)}"] if ways["fail"] else []
        reasons += [f"missing: {listing(of[ABSENT], 20)}"] if of[ABSENT] else []
        return NO_GO, reasons
    passed = [f"undecided, let pass by the policy: {listing(ways['pass'], 20)}"] if ways["pass"] else []
    open_rows = {INCONCLUSIVE: "undecided", NOT_COMPARABLE: "not comparable", ABSENT: "missing"}
    of[NOT_COMPARABLE] = not_comparable_because(gate)
    reasons = [f"{words}: {listing(of[verdict], 20)}" for verdict, words in open_rows.items() if of[verdict]]
    shown = len({row.key for row in gate if row.verdict == BETTER})
    if policy.rule == "select" and shown < policy.min_better:
        better = f"better is shown on {shown} of the {policy.min_better} benchmarks that are wanted"
        reasons.append(better + (f" ({listing(of[BETTER], 20)})" if of[BETTER] else ""))
    if reasons:
        return INCONCLUSIVE, reasons
    if policy.rule == "select":
        return GO, [f"better on {listing(of[BETTER], 20)}, and no regression on any of {len(gate)}", *passed]
    if passed:
        return GO, [f"{len(of[GO])} of {len(gate)} gated benchmarks pass", *passed]
    return GO, [f"all {len(gate)} gated benchmarks pass"]


def not_comparable_because(gate: Sequence[Row]) -> list[str]:
    """The rows that cannot be compared, by name; behind those of one reason, what it is."""
    names: dict[str, list[str]] = {}
    for row in gate:
        if row.verdict == NOT_COMPARABLE:
            names.setdefault(first_texts(row.reasons), []).append(row.label)
    return [f"{listing(labels, 20)} ({why})" if why else listing(labels, 20) for why, labels in names.items()]


def first_texts(texts: Sequence[str], most: int = 200) -> str:
    """The first of some texts, as many as have room, and at least one of those that say something."""
    told = [text for text in texts if text.strip()]
    while len(told) > 1 and len("; ".join(told)) > most:
        told.pop()
    return "; ".join(told)[:most]


def open_reason(rows: Sequence[Row]) -> str:
    """Why a gate did not come to GO or NO-GO, the first that has to be mended: invalid, not_comparable, missing, ..."""
    gate = [row for row in rows if row.blocking]
    if any(row.invalid and row.verdict == NOT_COMPARABLE for row in gate):
        return "invalid"
    for verdict, why in ((NOT_COMPARABLE, "not_comparable"), (ABSENT, "missing")):
        if any(row.verdict == verdict for row in gate):
            return why
    return "undecided"


def decide(question: Question) -> Decision:
    """The answer to a question."""
    policy = question.policy
    if question.nights:  # half of the error budget for tonight alone, half for the nights together
        tonight = replace(policy, alpha=policy.alpha / 2)
        rows = with_history(judge(make_rows(question), tonight, 1), question, policy.alpha / 2)
    else:
        rows = judge(make_rows(question), policy, len(question.candidates))
    check_gate(rows, policy)
    verdicts, reasons = {}, []
    for model in question.candidates:
        own = [row for row in rows if row.candidate == model.name]
        verdicts[model.name], lines = candidate_verdict(own, policy)
        prefix = f"{model.name}: {verdicts[model.name]}: " if len(question.candidates) > 1 else ""
        reasons += [prefix + line for line in lines]
    found, chosen = set(verdicts.values()), None
    if policy.rule != "select" and len(question.candidates) > 1:
        chosen = best_candidate(rows, verdicts)
        best = f"the best of {len(verdicts)} is {chosen}: {verdicts[chosen]}"
        if not any(row.delta is not None for row in rows if row.candidate == chosen and row.blocking):
            chosen, best = None, f"none of the {len(verdicts)} can be called the best: not all of them can be compared"
        reasons = [best, *(line for line in reasons if chosen is None or line.startswith(f"{chosen}: "))]
    verdict = GO if GO in found else NO_GO if found == {NO_GO} else INCONCLUSIVE
    open_rows = [row for row in rows if verdicts[row.candidate] == INCONCLUSIVE and chosen in (None, row.candidate)]
    pareto = pareto_of(rows, question) if policy.rule == "select" else None
    return Decision(
        verdict,
        tuple(reasons),
        warnings_of(rows, question),
        question.baseline.name,
        verdicts,
        tuple(rows),
        policy,
        pareto,
        chosen,
        open_reason(open_rows) if verdict == INCONCLUSIVE else None,
    )


def best_candidate(rows: Sequence[Row], verdicts: Mapping[str, str]) -> str:
    """The candidate that is taken: of those with the best verdict the one that gains most on its targets, or else on
    all that is gated."""
    order = {GO: 2, INCONCLUSIVE: 1, NO_GO: 0}

    def standing(name: str) -> tuple[int, float]:
        own = [row for row in rows if row.candidate == name and row.blocking and row.delta is not None]
        own = [row for row in own if row.role == "target"] or own
        gains = [row.sign * row.delta / (row.span or 1.0) for row in own]
        return order[verdicts[name]], sum(gains) / len(gains) if gains else -1.0

    return max(verdicts, key=standing)


def check_gate(rows: Sequence[Row], policy: Policy) -> None:
    """ScriptError when the rule cannot be applied to what was measured."""
    gate = {row.key for row in rows if row.blocking}
    if not gate:
        raise ScriptError("no measured benchmark is gated: the policy calls all of them advisory (or supporting: warn)")
    if policy.rule == "select" and len(gate) < policy.min_better:
        raise ScriptError(
            f"--rule select wants {policy.min_better} better benchmarks, only {len(gate)} are gated: {listing(gate)}; "
            f"a policy (--policy) may want fewer: min_better: {len(gate)}"
        )


def warnings_of(rows: Sequence[Row], question: Question) -> tuple[str, ...]:
    """What does not block, but ought to be known."""
    lines = [
        f"{row.label} ({row.tier}, does not block): {row.verdict}"
        for row in rows
        if not row.blocking
        and row.verdict in (NO_GO, REGRESSION, NOT_COMPARABLE)
        and not (row.by and is_gated(row, question.policy))
    ]
    lines += [
        f"{row.label} drifts: {drift_text(row, row.nights.drift, row.nights.since)}"
        for row in rows
        if row.nights is not None and row.nights.drift
    ]
    open_parts = [row.label for row in rows if row.by and row.verdict in (INCONCLUSIVE, NOT_COMPARABLE)]
    if open_parts:
        lines.append(f"undecided for parts, which does not block: {listing(open_parts, 20)}")
    lines += [question.luck] if question.luck else []
    models = {model.name: model.runs for model in (question.baseline, *question.candidates)}
    lines += [line] if (line := same_weights_line(models, "a wrong path?")) else []
    compared = [run for row in rows if row.sides for side in row.sides for run in side.runs if not row.by]
    lines += [*partial_lines(compared), *chance_lines(compared)]
    lines += own_entries(question.vocabulary.entries, (run.key for run in compared))
    gated = {*question.policy.benchmarks, *question.policy.targets, *question.baseline.failures}
    gated.update(
        *(model.failures for model in question.candidates), *({run.key for run in runs} for runs in models.values())
    )
    left = sorted(key for key in gated - question.only if question.only and question.policy.blocks(key))
    if left:
        lines.append(
            f"gated benchmarks that --benchmarks leaves out, so the answer is not about them: {listing(left, 20)}"
        )
    return tuple(lines)
