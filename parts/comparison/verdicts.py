"""Verdicts: rows judged under one error budget, and the decision."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from parts.comparison.pareto import pareto_of
from parts.comparison.rows import Question, make_rows
from parts.comparison.vocabulary import (
    ABSENT,
    BETTER,
    GO,
    INCONCLUSIVE,
    NO_GO,
    NO_REGRESSION,
    NOT_COMPARABLE,
    REGRESSION,
    STYLES,
    Decision,
    Policy,
    Row,
)
from parts.frame import ScriptError, listing
from parts.statistics.paired import items_for, sign_flip_p, step_levels


def judge(rows: Sequence[Row], policy: Policy, candidates: int) -> list[Row]:
    """The rows with their verdicts: the gate's benchmarks share one error budget, the others another."""
    judged = {id(row): row for row in rows}
    for blocking in (True, False):
        family = [row for row in rows if row.blocking == blocking and has_evidence(row)]
        for row, levels, adjusted in zip(family, *family_levels(family, policy, blocking, candidates), strict=True):
            judged[id(row)] = judge_row(row, policy, levels, adjusted)
    return [judged[id(row)] for row in rows]


def has_evidence(row: Row) -> bool:
    """Whether a row can be judged."""
    return row.verdict == INCONCLUSIVE and row.basis is not None and row.basis.evidence is not None


def family_levels(
    family: Sequence[Row], policy: Policy, blocking: bool, candidates: int
) -> tuple[list[tuple[float, float]], list[dict[str, float]]]:
    """For each row of a family the one-sided levels of its (lower, upper) bound, and its adjusted p-values.

    A gate passes only when every benchmark passes, so a pass needs no correction (an intersection-union test, Berger
    1982); it fails when any fails, so failing is corrected by Holm. "select" claims improvements one by one: Holm, and
    an equal part of the budget for each candidate. What cannot block is exploration: Benjamini-Hochberg.
    """
    alpha, select = policy.alpha, policy.rule == "select"
    method = "holm" if blocking else "fdr_bh"
    passes = [row.basis.evidence.p_above(0.0 if select else row.threshold) for row in family]
    fails = [row.basis.evidence.p_below(row.threshold) for row in family]
    failing = step_levels(fails, alpha, method)
    passing = step_levels(passes, alpha, method) if select or not blocking else [(p, alpha) for p in passes]
    if blocking and select:
        share, pairs = alpha / candidates, zip(passes, passing, strict=True)
        passing = [(max(q, min(1.0, p * candidates)), min(level, share)) for p, (q, level) in pairs]
    levels = [(low, high) for (_, low), (_, high) in zip(passing, failing, strict=True)]
    adjusted = [
        {"pass": p, "pass_adjusted": pass_q, "fail": q, "fail_adjusted": fail_q}
        for p, q, (pass_q, _), (fail_q, _) in zip(passes, fails, passing, failing, strict=True)
    ]
    return levels, adjusted


def judge_row(row: Row, policy: Policy, levels: tuple[float, float], p_values: Mapping[str, float]) -> Row:
    """One row's verdict at its levels; a continuous metric's must pass the sign-flip check as well."""
    evidence, select = row.basis.evidence, policy.rule == "select"
    if select:
        p_values = {**p_values, "no_regression": evidence.p_above(row.threshold)}
    above, below = (BETTER, REGRESSION) if select else (GO, NO_GO)
    verdict, limit, side = INCONCLUSIVE, row.threshold, 0
    if p_values["pass"] <= levels[0]:
        verdict, limit = above, 0.0 if select else row.threshold
    elif select and p_values["no_regression"] <= levels[0]:
        verdict = NO_REGRESSION
    elif p_values["fail"] <= levels[1]:
        verdict, side = below, 1
    notes = list(row.notes)
    if verdict != INCONCLUSIVE and row.basis.differences is not None:
        shifted = row.basis.differences - limit * row.basis.weights
        p_flip = sign_flip_p(shifted, "less" if side else "greater")
        p_values = {**p_values, "sign_flip": p_flip}
        if p_flip > levels[side]:
            notes.append(f"the sign-flip check (p = {p_flip:.3g}) does not confirm the t interval")
            verdict = INCONCLUSIVE
    bounds = evidence.lower(levels[0]), evidence.upper(levels[1])
    row = replace(row, verdict=verdict, levels=levels, bounds=bounds, p_values=p_values, notes=tuple(notes))
    if row.noise is not None and abs(row.delta) <= row.noise.half_width:
        row = replace(row, notes=(*row.notes, "within the A/A noise"))
    return with_items_needed(row, policy) if verdict == INCONCLUSIVE else row


def with_items_needed(row: Row, policy: Policy) -> Row:
    """An undecided row with the number of items that would decide it, and under which assumption."""
    basis, level = row.basis, row.levels[0]
    if not basis.variance and not basis.binary:
        return row
    observed = row.sign * row.delta
    low, high = basis.evidence.interval(policy.alpha)
    if row.role == "general" and row.threshold < 0 and low <= 0 <= high:
        needed = items_for(basis.variance, -row.threshold, level, policy.power)
        if basis.binary:
            needed = max(needed, items_without_change(-row.threshold / row.span, level, basis.design_effect))
        if needed > basis.n:
            return replace(row, items_needed=needed, needed_if="the model is unchanged")
    limit = 0.0 if policy.rule == "select" else row.threshold
    distance = observed - limit
    if not basis.variance or (distance <= 0 and (row.role == "target" or policy.rule == "select")):
        return row
    if distance == 0:
        return row
    level = level if distance > 0 else row.levels[1]
    needed = items_for(basis.variance, abs(distance), level, policy.power)
    return replace(row, items_needed=max(needed, basis.n + 1), needed_if="the true difference is the observed one")


def items_without_change(margin: float, level: float, effect: float) -> int:
    """How many items, none of which differs, show a drop below `margin`: where the score interval ends there."""
    from scipy import special

    return math.ceil(special.ndtri(level) ** 2 * (1 - margin) / margin * effect)


def candidate_verdict(rows: Sequence[Row], policy: Policy) -> tuple[str, list[str]]:
    """One candidate's verdict from its rows, and the reasons in words."""
    gate = [row for row in rows if row.blocking]
    of = {verdict: [row.label for row in gate if row.verdict == verdict] for verdict in STYLES}
    bad = of[NO_GO] + of[REGRESSION]
    words = "a regression is shown on" if policy.rule == "select" else "the limit is missed, shown by the interval, on"
    if bad:
        missing = [f"missing: {listing(of[ABSENT], 20)}"] if of[ABSENT] else []
        return NO_GO, [f"{words} {listing(bad, 20)}", *missing]
    open_rows = {INCONCLUSIVE: "undecided", NOT_COMPARABLE: "not comparable", ABSENT: "missing"}
    reasons = [f"{words}: {listing(of[verdict], 20)}" for verdict, words in open_rows.items() if of[verdict]]
    if policy.rule == "select" and len(of[BETTER]) < policy.min_better:
        better = f"better is shown on {len(of[BETTER])} of the {policy.min_better} benchmarks that are wanted"
        reasons.append(better + (f" ({listing(of[BETTER], 20)})" if of[BETTER] else ""))
    if reasons:
        return INCONCLUSIVE, reasons
    if policy.rule == "select":
        return GO, [f"better on {listing(of[BETTER], 20)}, and no regression on any of {len(gate)}"]
    return GO, [f"all {len(gate)} gated benchmarks pass"]


def decide(question: Question) -> Decision:
    """The answer to a question."""
    policy = question.policy
    rows = judge(make_rows(question), policy, len(question.candidates))
    check_gate(rows, policy)
    verdicts, reasons = {}, []
    for model in question.candidates:
        own = [row for row in rows if row.candidate == model.name]
        verdicts[model.name], lines = candidate_verdict(own, policy)
        prefix = f"{model.name}: {verdicts[model.name]}: " if len(question.candidates) > 1 else ""
        reasons += [prefix + line for line in lines]
    found = set(verdicts.values())
    verdict = GO if GO in found else NO_GO if found == {NO_GO} else INCONCLUSIVE
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
    )


def check_gate(rows: Sequence[Row], policy: Policy) -> None:
    """ScriptError when the rule cannot be applied to what was measured."""
    gate = {row.key for row in rows if row.blocking}
    if not gate:
        raise ScriptError("no measured benchmark is gated: the policy calls all of them advisory (or supporting: warn)")
    if policy.rule == "select" and len(gate) < policy.min_better:
        raise ScriptError(
            f"--rule select wants {policy.min_better} better benchmarks, only {len(gate)} are gated: {listing(gate)}"
        )


def warnings_of(rows: Sequence[Row], question: Question) -> tuple[str, ...]:
    """What does not block, but ought to be known."""
    lines = [
        f"{row.label} ({row.tier}, does not block): {row.verdict}"
        for row in rows
        if not row.blocking and row.verdict in (NO_GO, REGRESSION, NOT_COMPARABLE)
    ]
    gated = {*question.policy.benchmarks, *question.policy.targets, *(run.key for run in question.baseline.runs)}
    left = sorted(key for key in gated - question.only if question.only and question.policy.blocks(key))
    if left:
        lines.append(
            f"gated benchmarks that --benchmarks leaves out, so the answer is not about them: {listing(left, 20)}"
        )
    return tuple(lines)
