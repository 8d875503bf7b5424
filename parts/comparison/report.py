"""A decision as table, JSON and Markdown."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import Any

from parts.comparison.pairs import SAME_VOTES
from parts.comparison.vocabulary import (
    ABSENT,
    COMPARISON_SCHEMA,
    GO,
    INCONCLUSIVE,
    NO_GO,
    NOT_COMPARABLE,
    REPORT,
    STYLES,
    UNCHANGED,
    Decision,
    Policy,
    Row,
)
from parts.frame import listing, number, percent, plain, range_text, single_line
from parts.outgoing import rendered
from parts.records.attempts import COUNT_WORDS
from parts.statistics.bounded import score_interval
from parts.statistics.paired import detectable, mean_of_runs, paired_variance
from parts.tables import pipe_table

SMALL_SCALE = 10  # a scale of at most so many points, as of 1 to 5, has three decimals
EXIT_CODES = {GO: 0, NO_GO: 1, INCONCLUSIVE: 3}


def is_share(row: Row) -> bool:
    """Whether a row's differences are shown in points of 100."""
    return row.unit == "proportion"


def score_cell(row: Row, side: int) -> str:
    """A score; for repeats their mean, standard deviation and number."""
    value = (row.baseline_score, row.score)[side]
    digits = 3 if is_share(row) or row.unit == "logits" or (row.span or math.inf) <= SMALL_SCALE else 2
    if row.sides is not None and row.sides[side].repeats > 1:
        mean, deviation, half = mean_of_runs(row.sides[side].run_scores)
        count = row.sides[side].repeats
        interval = (
            f"95 % interval {range_text(mean - half, mean + half, digits)} by t with {count - 1} degrees of freedom"
        )
        return f"{number(mean, digits)} ({count} runs, standard deviation {number(deviation, digits)}, {interval})"
    return number(value, digits)


def change(row: Row, value: float) -> str:
    """A difference with its sign: in points for proportions, in the metric's unit else."""
    return f"{0.0 + round(100 * value, 2):+.2f}" if is_share(row) else f"{0.0 + round(value, 3):+.3f}"


def delta_cell(row: Row) -> str:
    """The difference with the interval that its verdict is read off."""
    if row.delta is None:
        return "–"
    unit = "" if is_share(row) else f" {row.unit}"
    if row.bounds is None:
        return change(row, row.delta) + unit
    low, high = row.as_shown(*row.bounds)
    return f"{change(row, row.delta)} ({change(row, low)} to {change(row, high)}){unit}"


def noise_cell(row: Row) -> str:
    """The A/A noise floor."""
    if row.noise is None:
        return "–"
    width = 100 * row.noise.half_width if is_share(row) else row.noise.half_width
    changed = "" if row.noise.changed is None else f", {100 * row.noise.changed:.0f} % of items change"
    return f"{width:.2f} ({row.noise.repeats} runs{changed})"


def count_cell(row: Row) -> str:
    """How many items are paired, and in how many clusters."""
    if row.basis is None or not row.basis.n:
        return "–"
    shared = {} if row.pairs is None else row.pairs.shared
    words = [f"{int(numbers.max()) + 1} {name}" for name, numbers in shared.items()]
    return f"{row.basis.n} in {', '.join(words)}" if words else str(row.basis.n)


def needed_note(row: Row) -> str:
    """'about 3,092 items would decide, if the model is unchanged', or nothing; where raters are shared, of both."""
    if row.needed_if is None:
        return ""
    if row.items_needed is None:
        return f"no number of items would decide, if {row.needed_if}: the runs differ too much; more runs"
    words = f"about {needed_words(row, row.items_needed)} would decide, if {row.needed_if}"
    if row.needed_unchanged is not None:
        words += f"; {needed_words(row, row.needed_unchanged)}, if {UNCHANGED}"
    if row.size and row.items_needed > row.size:
        words += f"; the benchmark has {row.size:,}{shown_by_all(row)}: repeated runs, or others besides"
        words += " (the limit stays as it was set)" if row.threshold is not None else ""
    return words


def shown_by_all(row: Row) -> str:
    """', which show a difference of 3.80 (two-sided, 95 %, with 80 % power)': of all the items that a benchmark has."""
    if not row.basis.variance:
        return ""
    return f", which show a difference of {change(row, detectable(row.basis.variance, row.size))[1:]} with 80 % power"


def needed_words(row: Row, count: int) -> str:
    """So many items, or votes; of what people rated so many raters and items: more items alone leave their tastes."""
    raters, times = shared_count(row, "raters"), count / row.basis.n
    if not raters:
        return f"{count:,} {'votes' if row.basis.method == SAME_VOTES else 'items'}"
    clusters = shared_count(row, "clusters")
    items = f" and {math.ceil(clusters * times - 1e-9):,} items" if clusters else ""
    return f"{math.ceil(raters * times - 1e-9):,} raters{items} (not more items alone)"


def benchmark_name(row: Row, name: str = "") -> str:
    """A benchmark as tables and sentences call it, with which way of its differences is better where it is down."""
    return f"{name or row.label}{' (less is better)' if row.lower_is_better else ''}"


def row_notes(row: Row) -> str:
    """A row's notes as one cell."""
    target = ("target",) if row.role == "target" else ()
    needed = (needed_note(row),) if row.needed_if else ()
    return "; ".join((*target, *needed, *row.notes))


def summary_table(decision: Decision) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the summary; columns that say the same for all rows are left out."""
    rows = [row for row in decision.rows if decision.chosen in (None, row.candidate)]
    several = len({row.candidate for row in rows}) > 1
    tiers = len({row.tier for row in rows}) > 1
    noise = any(row.noise is not None for row in rows)
    share = any(is_share(row) for row in rows)
    header = ["candidate"] * several + ["benchmark"] + ["tier"] * tiers + ["score", "baseline"]
    header += ["delta, points (interval)" if share else "delta (interval)", "limit"] + ["A/A noise"] * noise
    lines = []
    for row in rows:
        cells = [row.candidate] * several + [benchmark_name(row, row.shown)] + [row.tier] * tiers
        cells += [score_cell(row, 1), score_cell(row, 0), delta_cell(row), limit_cell(row)] + [noise_cell(row)] * noise
        lines.append([*cells, count_cell(row), row.verdict, row_notes(row)])
    return [*header, "n", "verdict", "notes"], lines


def reading_lines(decision: Decision) -> list[str]:
    """How the verdicts were reached: which hypothesis each of them tests, and what the intervals are."""
    policy = decision.policy
    rows = [row for row in decision.rows if decision.chosen in (None, row.candidate)]
    alpha, gate = percent(policy.alpha), len([row for row in rows if row.blocking and row.levels])
    tried = max(policy.tried or 1, len(decision.candidates))
    share = min([policy.alpha, *(row.levels[0] for row in rows if row.blocking and row.levels)])
    if policy.rule == "select":
        lines = [
            "BETTER: “not better than the baseline” is rejected (the interval's lower end is above 0). NO REGRESSION: "
            "“misses the limit” is (above the limit). REGRESSION: “keeps the limit” is (its upper end is below it).",
            f"Lower end: one-sided bound at the level of Holm's procedure over {gate} comparisons, and at most at "
            f"{alpha} divided by the number of candidates. Upper end: at Holm's level.",
        ]
    else:
        lines = [
            "GO: “misses the limit” is rejected (the interval's lower end is above the limit). NO-GO: “keeps the "
            "limit” is rejected (its upper end is below it). Otherwise INCONCLUSIVE.",
            f"Lower end: one-sided {percent(1 - share)} bound. Upper end: one-sided bound at the level at which "
            f"Holm's procedure tests this benchmark among {gate}. So a model that keeps every limit gets a NO-GO in at "
            f"most {alpha} of such comparisons, and one that misses a limit an overall GO in at most {alpha}.",
        ]
    lines = lines if gate else lines[:1]
    for way, words in (
        ("pass", "so one that misses its limit may get a GO"),
        ("fail", "so one that keeps it may fail"),
    ):
        tiers = listing(sorted({r.tier for r in rows if r.blocking and policy.undecided.get(r.tier, "ask") == way}))
        if tiers:
            lines.append(
                f"By the policy an undecided benchmark ({tiers}) counts as {way}, {words} more often than that."
            )
    if tried > 1 and gate and policy.rule != "select":
        how = "divided by their number" if share <= policy.alpha / tried else "shared as their items agree (max-t)"
        lines.append(
            f"The best of {tried} tried: {alpha} for all of them together, {how}: each passes at {percent(share)}."
        )
    if any(row.nights is not None for row in rows):
        lines.append(
            "Nights: half of the error budget is tonight's, half is for the nights together, by e-values that may be "
            "looked at each night (1 divided by their level decides); only where no drift and no change is shown."
        )
    if any(row.verdict == REPORT for row in decision.rows):
        lines.append("report: shown with its 95 % interval, and never gated.")
    if any(row.by for row in decision.rows):
        lines.append(
            "Parts (--by): each is tested among all of them by Holm's procedure, so that all of their verdicts hold "
            f"together with {percent(1 - policy.alpha)}; a part that is shown to miss the limit makes a NO-GO."
        )
    if any(not row.blocking and not row.by and row.levels for row in decision.rows):
        lines.append("Benchmarks that do not block are exploration: Benjamini-Hochberg instead of Holm, at both ends.")
    if any(row.lower_is_better for row in decision.rows):
        lines.append("Where less is better the ends change places.")
    return lines


def limit_cell(row: Row) -> str:
    """The limit that decided a row, and which of the policy's it is: '-1.00 (max_drop)'."""
    if row.threshold is None or row.verdict == REPORT:
        return "–"
    return f"{change(row, row.sign * row.threshold)} ({row.limit_by})"


def limit_text(row: Row) -> str:
    """The limit that a row is held against, as a difference of scores."""
    if row.threshold is None:
        return "–"
    return f"{change(row, row.sign * row.threshold)}{' points' if is_share(row) else ''}"


def headline(decision: Decision) -> str:
    """'NO-GO: step_1000 against step_700 (rule: release)'."""
    models = f"{listing(decision.candidates, 20)} against {decision.baseline}"
    return f"{decision.verdict}: {models} (rule: {decision.policy.rule})"


def answer_lines(decision: Decision) -> list[str]:
    """The answer in words: verdict, reasons, Pareto, warnings."""
    lines = [headline(decision), *(f"- {reason}" for reason in decision.reasons)]
    if decision.chosen is not None:
        others = [f"{name} {verdict}" for name, verdict in decision.candidates.items() if name != decision.chosen]
        lines.append(f"- the others: {listing(others, 20)}")
    if decision.policy.allow_unlike:
        lines.append("- unlike or invalid runs were compared because of --allow-unlike")
    if decision.pareto is not None:
        shown = ", ".join(f"{name} {p:.2f}" for name, p in decision.pareto.probability.items())
        lines.append(f"- P(Pareto-optimal) over {len(decision.pareto.benchmarks)} benchmarks: {shown}")
        lines.append(f"- Pareto front by the items that all have: {listing(decision.pareto.front, 20)}")
    if low := leaning(decision):
        lines.append(
            f"- not shown among all of them, but each below its limit when looked at alone: {listing(low, 20)}"
        )
    lines += [f"- warning: {warning}" for warning in decision.warnings]
    return lines


def leaning(decision: Decision) -> list[str]:
    """'K (-9.00, p = 0.022)' of undecided rows that would fail if each were the only question: where to look first."""
    rows = [row for row in decision.rows if row.verdict == INCONCLUSIVE and decision.chosen in (None, row.candidate)]
    found = [row for row in rows if (row.p_values or {}).get("fail", 1) <= decision.policy.alpha]
    found.sort(key=lambda row: row.p_values["fail"])
    return [f"{row.label} ({change(row, row.delta)}, p = {row.p_values['fail']:.2g})" for row in found]


def evidence_table(decision: Decision) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the report's second table: what each verdict rests on."""
    header = ["benchmark", "method", "gained / lost", "p (pass)", "p (fail), adjusted", "p (no difference)"]
    header += [f"shown with {percent(decision.policy.power)} power", "95 % interval"]
    lines = []
    for row in decision.rows:
        if not row.p_values or row.bounds is None or decision.chosen not in (None, row.candidate):
            continue
        gained = "–" if row.basis.discordant is None else "{} / {}".format(*row.basis.discordant)
        reach = detectable_difference(row, decision.policy)
        low, high = row.as_shown(*row.basis.evidence.interval(0.05))
        p_none = row.basis.p_difference
        name = f"{row.candidate}: {row.label}" if len(decision.candidates) > 1 else row.label
        lines.append([name, row.basis.method, gained, f"{row.p_values['pass']:.3g}"])
        lines[-1] += [f"{row.p_values['fail_adjusted']:.3g}", "–" if p_none is None else f"{p_none:.3g}"]
        lines[-1] += [
            "–" if reach is None else change(row, reach)[1:],
            f"{change(row, low)} to {change(row, high)}",
        ]
    return header, lines


def detectable_difference(row: Row, policy: Policy) -> float | None:
    """The smallest true difference that the row's items show, two-sided, with the policy's power."""
    if row.basis is None or not row.basis.variance or not row.basis.n:
        return None
    return detectable(row.basis.variance, row.basis.n, policy.alpha, policy.power)


def measured_lines(decision: Decision) -> list[str]:
    """Harness and engine, date and hardware of both sides."""
    lines = []
    for side, name in ((1, "candidate"), (0, "baseline")):
        runs = [run for row in decision.rows if row.sides for run in row.sides[side].runs]
        harnesses = sorted({f"{run.harness[0]} {run.harness[1]}" for run in runs})
        engines = sorted({run.settings["engine"] for run in runs if run.settings.get("engine")})
        dates = sorted({run.date for run in runs if run.date})
        hardware = sorted({run.hardware for run in runs if run.hardware})
        period = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}" if dates else "an unknown date"
        machine = decision.policy.hardware or listing(hardware) or "not recorded"
        on = f" with {listing(engines)}" if engines else ""
        lines.append(f"{name}: {listing(harnesses)}{on}; measured {period}; hardware: {machine}")
    return lines


def limitation_lines(decision: Decision) -> list[str]:
    """What the reader must know: the policy's own words, then what holds for these measurements."""
    lines = list(decision.policy.limitations)
    noted = [row for row in decision.rows if "contamin" in " ".join(row.notes).casefold()]
    if not noted:
        lines.append("Contamination of the training data with test items was not examined here.")
    sides = [side for row in decision.rows if row.sides for side in row.sides]
    if any(side.repeats < 2 for side in sides):
        lines.append("A score of one run: its interval covers the choice of items, not that of seeds or prompts.")
    if any(row.verdict in (NOT_COMPARABLE, ABSENT) for row in decision.rows):
        lines.append("Benchmarks that are missing or not comparable were not judged; see the notes.")
    if decision.policy.allow_unlike:
        lines.append("Runs that were not made alike were compared all the same; the notes name the differences.")
    return lines


def render_evaluation(decision: Decision) -> str:
    """The evaluation summary in Markdown, to be pasted into a model card."""
    bullet = "\n".join
    answer = answer_lines(decision)[1:]
    parts = [f"## Evaluation: {plain(headline(decision))}", bullet(f"- {plain(line[2:])}" for line in answer)]
    parts += [pipe_table(*summary_table(decision)), "\n".join(plain(line) for line in reading_lines(decision))]
    header, lines = evidence_table(decision)
    parts += ["### Evidence", pipe_table(header, lines)] if lines else []
    parts += ["### How it was measured", bullet(f"- {plain(line)}" for line in measured_lines(decision))]
    parts += ["### Known limitations", bullet(f"- {plain(line)}" for line in limitation_lines(decision))]
    return "\n\n".join(parts) + "\n"


def decision_json(decision: Decision) -> dict[str, Any]:
    """The document of --json; see references/compare_results.md."""
    policy = decision.policy
    pareto = decision.pareto
    return {
        "schema_version": COMPARISON_SCHEMA,
        "verdict": decision.verdict,
        "exit_code": EXIT_CODES[decision.verdict],
        "reason": decision.why_open,
        "answer": answer_lines(decision),
        "items_needed": {row.label: row.items_needed for row in decision.rows if row.needed_if},
        "rule": policy.rule,
        "baseline": decision.baseline,
        "candidates": [{"name": name, "verdict": verdict} for name, verdict in decision.candidates.items()],
        "reasons": list(decision.reasons),
        "warnings": list(decision.warnings),
        "allow_unlike": policy.allow_unlike,
        "chosen": decision.chosen,
        "tried": policy.tried,
        "alpha": policy.alpha,
        "power": policy.power,
        "targets": list(policy.targets),
        "how_to_read": reading_lines(decision),
        "benchmarks": [row_json(row, policy) for row in decision.rows],
        "pareto": None
        if pareto is None
        else {
            "benchmarks": list(pareto.benchmarks),
            "items": pareto.items,
            "probability": dict(pareto.probability),
            "front": list(pareto.front),
        },
        "measured": measured_lines(decision),
        "limitations": limitation_lines(decision),
    }


def row_json(row: Row, policy: Policy) -> dict[str, Any]:
    """One comparison as JSON; scores and differences in the metric's unit, nothing rounded."""
    basis, value = row.basis, None
    if row.bounds is not None:
        value = list(row.as_shown(*row.bounds))
    return {
        "candidate": row.candidate,
        "benchmark": row.key,
        "name": row.label,
        "tier": row.tier,
        "role": row.role,
        "blocking": row.blocking,
        "by": row.by or None,
        "verdict": row.verdict,
        "metric": row.metric or None,
        "spelled_metric": row.spelled_metric or None,
        "unit": row.unit,
        "lower_is_better": row.lower_is_better,
        "score": side_json(row, 1),
        "baseline": side_json(row, 0),
        "delta": row.delta,
        "limit": None if row.threshold is None else row.sign * row.threshold,
        "limit_by": row.limit_by or None,
        "interval": value,
        "interval_95": None if value is None else list(row.as_shown(*basis.evidence.interval(0.05))),
        "levels": None if row.levels is None else {"pass": row.levels[0], "fail": row.levels[1]},
        "p_values": {**row.p_values, "no_difference": basis.p_difference if basis else None},
        "method": basis.method if basis else None,
        "paired": row.pairs is not None or row.corpus is not None,
        "n": basis.n or None if basis else None,
        **{name: shared_count(row, name) for name in ("clusters", "raters")},
        "design_effect": basis.design_effect if basis else None,
        "gained": basis.discordant[0] if basis and basis.discordant else None,
        "lost": basis.discordant[1] if basis and basis.discordant else None,
        "detectable": detectable_difference(row, policy),
        "with_another_run": another_run(row, policy),
        "items_needed": row.items_needed,
        "items_needed_if": row.needed_if,
        "items_needed_if_unchanged": row.needed_unchanged,
        "benchmark_items": row.size,
        "history": None if row.nights is None else history_json(row),
        "noise": None
        if row.noise is None
        else {"half_width": row.noise.half_width, "runs": row.noise.repeats, "items_changed": row.noise.changed},
        "notes": list(row.notes),
    }


def history_json(row: Row) -> dict[str, Any]:
    """What the nights say as JSON; differences as the row's `delta`, in the metric's unit."""
    found, sequence = row.nights, row.nights.sequence
    together = None
    if sequence is not None:
        ends = row.as_shown(*map(float, sequence.evidence.interval(0.05)))
        together = {"delta": row.sign * sequence.mean, "interval_95": list(ends), "items": sequence.items}
        together |= {"e_kept": sequence.e_pass, "e_missed": sequence.e_fail, "decides": found.decided}
    drift = found.drift
    return {
        "nights": [
            {"date": date, "delta": row.sign * gain} for date, gain in zip(found.dates, found.gains, strict=True)
        ],
        "together": together,
        "change_tonight": None
        if found.change is None
        else {"delta": row.sign * found.change[0], "p_value": found.change[1]},
        "drift": None
        if drift is None
        else {"per_night": row.sign * drift.slope, "since": found.since, "p_value": drift.p_value},
    }


def shared_count(row: Row, what: str) -> int | None:
    """How many clusters or raters the paired items share, or None."""
    numbers = None if row.pairs is None else row.pairs.shared.get(what)
    return None if numbers is None else int(numbers.max()) + 1


def another_run(row: Row, policy: Policy) -> float | None:
    """The difference that can be shown when each side is run once more, where repeats tell how much that helps."""
    pairs = row.pairs
    if pairs is None or min(pairs.repeats) < 2 or pairs.repeats[0] != pairs.repeats[1] or not row.basis.variance:
        return None
    repeats = pairs.repeats[0]
    between = max(0.0, float((pairs.candidate - pairs.baseline).var(ddof=1)) - sum(pairs.within) / repeats)
    variance = paired_variance(between, pairs.within, repeats + 1) * row.basis.design_effect
    return detectable(variance, pairs.n, policy.alpha, policy.power) if variance else None


def side_json(row: Row, side: int) -> dict[str, Any] | None:
    """One side's score with its interval, its repeats, and the files it comes from."""
    value = (row.baseline_score, row.score)[side]
    if value is None or row.sides is None:
        return None
    own = row.sides[side]
    found: dict[str, Any] = {"score": value, "interval_95": None, "recorded": [run.score for run in own.runs]}
    if row.pairs is not None:
        values = (row.pairs.baseline, row.pairs.candidate)[side]
        top = row.pairs.stretch
        ends = (0.0, top) if is_share(row) and values.min() >= 0 and values.max() <= top else (None, None)
        interval = score_interval(values, list(row.pairs.shared.values()), *ends)
        found["interval_95"] = None if interval is None else list(interval[:2])
    if row.basis is not None and row.basis.score_intervals:
        ends = row.basis.score_intervals[side]
        found["interval_95"] = None if ends is None else list(ends)
    if own.repeats > 1:
        mean, deviation, half = mean_of_runs(own.run_scores)
        found["runs"] = {"n": own.repeats, "mean": mean, "standard_deviation": deviation, "half_width_95": half}
    counts = {what: own.counted(what) for what in COUNT_WORDS if own.counted(what)}
    return found | {"errors": len(own.errors), **counts, "records": sorted({run.file for run in own.runs})}


def terminal_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The summary for a terminal, with its colors."""
    from rich.table import Table
    from rich.text import Text

    table = Table(*header, show_lines=True)
    verdict = header.index("verdict")
    for row in rows:
        table.add_row(*(Text(c, style=STYLES[c] if i == verdict else "") for i, c in enumerate(map(single_line, row))))
    return rendered(table)


def decision_text(decision: Decision) -> str:
    """The answer for stdout: a rich table on a terminal, a Markdown one in a pipe."""
    header, rows = summary_table(decision)
    table = terminal_table(header, rows) if sys.stdout.isatty() else pipe_table(header, rows)
    return "\n".join([table, "", *map(single_line, answer_lines(decision)), "", *reading_lines(decision)])
