"""Limits of a policy for one metric: shares of its range, of the baseline, or an amount in the field's own unit.

Takes a limit as the policy has it (0.01, "1 %", "0.2 WER points", "1 BLEU", "0.5 perplexity") and a row with the
metric's unit and range; gives the amount in that unit and what is said of it.
"""

from __future__ import annotations

import re
from dataclasses import replace

from parts.comparison.vocabulary import DEFAULT_DROP, DEFAULT_GAIN, Limits, Row, smallest
from parts.frame import ScriptError
from parts.vocabulary import normalize_name

AMOUNT = re.compile(r"\s*(\d+(?:\.\d+)?|\.\d+)\s+([A-Za-z][\w +@.\-/]{0,40}?)(\s+points?)?\s*", re.ASCII)
SHARE_TEXT = re.compile(r"\s*(\d+(?:\.\d+)?|\.\d+)\s*%\s*", re.ASCII)
UNCLEAR = 0.2  # from here a bare number may be points or percent: 0.5 is half a point, or half of the range
POINT_WORDS = ("point", "points", "percentage point", "percentage points", "pp")
AMOUNT_WORDS = 'an amount with its unit, such as "0.2 WER points", "1 BLEU" or "1 %"'


def is_amount(value: object) -> bool:
    """Whether a policy's value is a number with a unit behind it."""
    return isinstance(value, str) and AMOUNT.fullmatch(value) is not None


def share_in(value: object) -> float | None:
    """The share that "1 %" is; None for another value."""
    found = SHARE_TEXT.fullmatch(value) if isinstance(value, str) else None
    return float(found[1]) / 100 if found else None


def bare_limit(name: str, given: float, row: Row) -> ScriptError:
    """What is asked of a number without a unit where the metric is no share of all answers: 0.5 BLEU, or half?"""
    share = row.unit == "proportion"  # as of shares of answers, of which one point is 0.01
    amount = f"{100 * given if share else given:g} {row.metric}"
    amount = amount + " points" * share if is_amount(amount) else f"{amount.split()[0]} points"
    whole = "the baseline's score" if counts_from_zero(row) else "its range"
    return ScriptError(
        f"the limit {name}: {given:g} for {row.label} has no unit, {row.metric} ({row.unit}) is no share of answers; "
        f'say in the policy, benchmarks: {{{row.key}: {{{name}: "{amount}"}}}}'
        + (f', or "{100 * given:g} %" (of {whole})' if row.span is not None or counts_from_zero(row) else ""),
        code=3,
    )


def amount_in_unit(text: str, row: Row) -> float:
    """An amount in a row's unit. ScriptError when it is about another metric or unit.

    A point is a hundredth of a proportion, and one of a metric that counts in points.
    """
    number, words, points = AMOUNT.fullmatch(text).groups()
    if words.strip().lower() in POINT_WORDS:
        words, points = "", " points"
    names = {normalize_name(name) for name in (row.metric, row.metric.split("_at_")[0], row.unit, row.key, row.label)}
    names |= {name.removeprefix("word").removeprefix("byte") for name in names}
    if words and normalize_name(words) not in names:
        raise ScriptError(f"the limit {text!r} is one of {words}, but {row.label} has {row.metric} ({row.unit})")
    if row.unit == "proportion":
        if not points:
            raise ScriptError(
                f"the limit {text!r} for {row.label}: {row.metric} is a proportion; say it in points of 100, such as "
                f'"{number} {words or row.metric} points", or as a share of the baseline (max_relative_drop)'
            )
        return float(number) / 100
    return float(number)


def refuse_unclear(limits: Limits, row: Row, target: bool, amount: float) -> None:
    """ScriptError (3) where the limit that decides a row is a bare number that may be points, or percent."""
    name = limit_name(limits, row, target, amount)
    given, relative = getattr(limits, name), "relative" in name
    if isinstance(given, str) or name in limits.in_percent or (given or 0.0) < UNCLEAR:
        return
    unit, whole = ("%", f"{100 * given:g} % of the baseline's score") if relative else ("points", "")
    does = "demand" if target else "allow"
    raise ScriptError(
        f"the limit {name}: {given:g} for {row.label} would {does} {whole or f'{100 * given:g} points of 100'}; say "
        f'which is meant: "{100 * given:g} {unit}" or "{given:g} {unit}"',
        code=3,
    )


def limit_of_row(limits: Limits, row: Row, target: bool) -> tuple[float | None, str]:
    """The limit of a row as `amount_of_limit` has it; ScriptError (3) where nothing says in what it is."""
    amount, words = amount_of_limit(limits, row, target)
    if amount is not None:
        refuse_unclear(limits, row, target, amount)
    return amount, words


def amount_of_limit(limits: Limits, row: Row, target: bool) -> tuple[float | None, str]:
    """(the drop that passes, or the gain that a target must exceed; what is said of it). None: nothing bounds it.

    A share is one of the metric's range; where it has none but begins at 0 (error rates, perplexities, losses), one of
    the baseline's score. ScriptError with code 3 for a bare number where the metric is no share of answers.
    """
    name = "min_gain" if target else "max_drop"
    given = getattr(limits, name)
    if (share := share_in(given)) is not None:
        given, limits = share, replace(limits, **{name: share})
    elif given and not isinstance(given, str) and (row.unit != "proportion" or row.span is None):
        raise bare_limit(name, given, row)
    if isinstance(given, str):
        own = amount_in_unit(given, row)
        relative = limits.min_relative_gain if target else limits.max_relative_drop
        other = None if relative is None else relative * abs(row.baseline_score)
        found = [amount for amount in (own, other) if amount is not None]
        return (max(found) if target else min(found)), ""
    found = (limits.wanted_gain if target else limits.allowed_drop)(row.baseline_score, row.span)
    relative = limits.min_relative_gain if target else limits.max_relative_drop
    if row.span is not None or not counts_from_zero(row) or (found is not None and given is None):
        return found, ""
    if given is None and relative is not None:  # guarded by relative_guard_below, which no such score is below
        return found, ""
    share = given if given is not None else DEFAULT_GAIN if target else DEFAULT_DROP
    own = share * abs(row.baseline_score)
    words = f"{row.metric} has no upper end: the limit is {100 * share:g} % of the baseline's {row.metric}"
    return (max(own, found or 0.0) if target else smallest(own, found)), words


def limit_name(limits: Limits, row: Row, target: bool, amount: float) -> str:
    """Which limit decides a row: "max_drop", "max_relative_drop", "min_gain", "min_relative_gain"."""
    relative = limits.min_relative_gain if target else limits.max_relative_drop
    shared = relative is not None and amount == relative * abs(row.baseline_score)
    return f"{'min' if target else 'max'}{'_relative' if shared else ''}_{'gain' if target else 'drop'}"


def counts_from_zero(row: Row) -> bool:
    """Whether a score's ratio means something: it has a lower end of 0 (perplexities: 1) and no upper one."""
    lows = {run.low for side in row.sides or () for run in side.runs}
    return row.span is None and lows <= {0.0, 1.0} and bool(lows)
