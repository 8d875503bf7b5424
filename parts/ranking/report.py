"""A ranking as table, JSON and Markdown."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from parts.frame import listing, number, option_words, plain, range_text, signed
from parts.ranking.vocabulary import OTHER_SCALE, RANKING_SCHEMA, Ranked, Ranking, Statistics, Trend, candidates
from parts.statistics.intervals import CONFIDENCE, Estimate
from parts.tables import markdown_table, rich_table
from parts.training_runs import NO_CHECKPOINT
from parts.vocabulary import STEP_FORMULAS, MetricMapping

TABLE_ROWS = 40
TABLE_COLUMNS = 6
NO_WIDTH = 1e-12  # an interval that is no wider says that nothing varied, not how sure something is: it is left out


def with_interval(score: Estimate | None) -> str:
    """'0.467 [0.372, 0.564]'; without an interval as with_error has it."""
    if score is None or score.interval is None:
        return with_error(score)
    digits = 3 if score.unit == "proportion" else 2
    return (
        f"{number(score.value, digits)} [{number(score.interval.low, digits)}, {number(score.interval.high, digits)}]"
    )


def histogram_text(counts: Sequence[int]) -> str:
    """Counts as bars of block characters; an empty bin is a dot."""
    top = max(counts, default=0)
    return "".join("·" if not count else "▁▂▃▄▅▆▇█"[math.ceil(count / top * 8) - 1] for count in counts)


def with_error(score: Estimate | None) -> str:
    """'0.467 ± 0.050', without the error when there is none."""
    if score is None:
        return "–"
    digits = 3 if score.unit == "proportion" else 2
    return number(score.value, digits) + (
        "" if score.standard_error is None else f" ± {number(score.standard_error, digits)}"
    )


def ranking_json(ranking: Ranking, full: bool = False) -> dict[str, Any]:
    """The document of --json, the answer first; `full` adds what one number was made of. See the reference."""
    best = ranking.best
    document = {
        "schema_version": RANKING_SCHEMA,
        "score_source": ranking.score_source,
        "answer": summary_lines(ranking),
        "best": None
        if ranking.undecided
        else {
            "name": best.checkpoint.name,
            "step": best.checkpoint.step,
            "eval_accuracy": best.eval_accuracy,
            "interval": best.interval and [best.interval.low, best.interval.high],
            "chosen_as": chosen_as(ranking),
        },
        "tied": [r.checkpoint.name for r in tied_ones(ranking)],
        "reason": undecided_line(ranking) or None,
        "ahead": [
            {name: getattr(one, name) for name in ("name", "score", "standard_error", "why", "over")}
            for one in ranking.ahead
        ],
        "statistics": statistics_json(ranking.statistics, ranking.undecided) if ranking.statistics else None,
        "no_statistics": None if ranking.statistics else ranking.no_statistics,
        "notes": list(ranking.notes),
        "failures": list(ranking.failures),
        "skipped": [{"name": s.name, "reason": s.reason} for s in ranking.skipped if full or s.reason != NO_CHECKPOINT],
        "not_comparable": [
            {
                "name": u.checkpoint.name,
                "step": u.checkpoint.step,
                "reasons": list(u.reasons),
                "ranked": ranking.allow_unlike,
                "scores": {key: score_json(score) for key, score in u.scores.items()},
            }
            for u in ranking.unlike
        ],
        "eval_accuracy_is": ranking.overall,
        "metric": ranking.metric,
        "lower_is_better": ranking.best.sign < 0,
        "benchmarks": list(ranking.benchmarks),
        "not_ranked_over": list(ranking.left_out),
        "allow_unlike": ranking.allow_unlike,
        "tie_break": ranking.tie_break,
        "smooth": ranking.smooth,
        "full": full,
    }
    return document | {"checkpoints": [checkpoint_json(r, ranking, full) for r in ranking.ranked]}


def checkpoint_json(r: Ranked, ranking: Ranking, full: bool) -> dict[str, Any]:
    """A compared checkpoint; in short its standing and the bare scores."""
    value = {
        "name": r.checkpoint.name,
        "step": r.checkpoint.step,
        "epoch": r.checkpoint.epoch,
        "path": r.checkpoint.path.as_posix(),
        "eval_accuracy": r.eval_accuracy,
        "standard_error": r.standard_error,
    }
    if r.interval:
        value["interval"] = [r.interval.low, r.interval.high]
    if ranking.smooth > 1:
        value["smoothed"] = r.smoothed
    standing = ranking.statistics and ranking.statistics.standings.get(r.checkpoint.name)
    if standing:
        value |= {"p_best": standing.p_best, "ranks": list(standing.ranks), "p_value": standing.p_value}
        value["tied_set"] = r.checkpoint.name in ranking.statistics.tied_set
        if ranking.smooth > 1:
            value["smoothed_interval"] = [standing.interval.low, standing.interval.high]
        itself = r.checkpoint.name == ranking.statistics.baseline
        if standing.difference and (itself or standing.difference[2] - standing.difference[1] > NO_WIDTH):
            value["difference"] = dict(zip(("estimate", "low", "high"), standing.difference, strict=True))
    if not full:
        return value | {"scores": {key: score.value for key, score in r.scores.items()}}
    if r.distribution:
        value["distribution"] = dict(r.distribution)
    return value | {
        "scores": {key: score_json(score) for key, score in r.scores.items()},
        "categories": {key: score_json(score) for key, score in r.categories.items()},
        "not_ranked": {key: score_json(score) for key, score in r.unranked.items()},
        "records": list(r.records),
    }


def tied_ones(ranking: Ranking) -> tuple[Ranked, ...]:
    """Those that cannot be told from the best one; where there is none, all."""
    return candidates(ranking.ranked) if ranking.equal else ranking.tied


def has_width(trend: Trend | None) -> bool:
    """Whether the interval of a trend's change says how sure it is."""
    return trend is not None and trend.change.high - trend.change.low > NO_WIDTH


def statistics_json(statistics: Statistics, undecided: bool = False) -> dict[str, Any]:
    """How sure the ranking is, as JSON; where there is no best one without what is said of it and of a trend."""
    trend, corrected = statistics.trend, statistics.corrected
    return {
        "source": statistics.source,
        "method": statistics.method,
        "confidence": CONFIDENCE,
        "draws": statistics.draws,
        "seed": statistics.seed,
        "items": statistics.items,
        "by_standard_errors": list(statistics.by_errors),
        "tied_set": list(statistics.tied_set),
        "corrected": None
        if undecided or not corrected.standard_error > NO_WIDTH
        else {
            "name": corrected.name,
            "raw": corrected.raw,
            "score": corrected.value,
            "standard_error": corrected.standard_error,
            "method": corrected.method,
            "gain": corrected.gain and dict(zip(("estimate", "low", "high"), corrected.gain, strict=True)),
        },
        "trend": None
        if undecided or not has_width(trend)
        else {
            "verdict": trend.verdict,
            "change": trend.estimate,
            "interval": [trend.change.low, trend.change.high],
            "checkpoints": list(trend.names),
            "checkpoint": trend.checkpoint,
        },
        "baseline_score": statistics.baseline_score,
        "baseline": statistics.baseline,
    }


def chosen_as(ranking: Ranking) -> str:
    """By which rule `best` was taken."""
    if ranking.tie_break:
        pool = "the tied set" if ranking.statistics else "those with the same score"
        return f"{ranking.tie_break} of {pool}"
    return "best point estimate" if ranking.smooth == 1 else f"best mean over the last {ranking.smooth} checkpoints"


def score_json(score: Estimate) -> dict[str, Any]:
    """A score as JSON; the metric, shots and unit only where they are known."""
    value = {"score": score.value, "standard_error": score.standard_error, "n": score.n}
    if score.unit != "proportion":
        value["unit"] = score.unit
    if score.interval is not None:
        value |= {"interval": [score.interval.low, score.interval.high], "interval_method": score.interval.method}
    return value | {k: v for k in ("metric", "shots") if (v := getattr(score, k)) is not None}


def table_rows(ranking: Ranking, vocabulary: MetricMapping, most: int) -> tuple[list[str], list[list[str]], int]:
    """Header and rows of the ranking, best first at most `most` of them, and how many were left out."""
    keys = list(ranking.best.categories) if len(ranking.best.categories) <= TABLE_COLUMNS else []
    best = ranking.best
    titles = [best.title(key, vocabulary.measured_title(key, best.categories[key].metric)) for key in keys]
    header = ["checkpoint", "step", ranking.metric, "std. error", *sure_header(ranking), *titles]
    ordered = list(ranking.ranked)
    if len(ordered) > most:
        ordered = sorted(ordered, key=lambda r: -r.ranks_by)[:most]
    tied = tied_ones(ranking)
    rows, word = [], best_word(ranking)
    for r in ordered:
        mark = " (tied)" if r in tied else f" ({word})" if r is ranking.best and not ranking.equal else ""
        step = "–" if r.checkpoint.step is None else str(r.checkpoint.step)
        cells = [r.checkpoint.name + mark, step, number(r.eval_accuracy), number(r.standard_error)]
        rows.append(cells + sure_cells(r, ranking) + [with_error(r.categories.get(key)) for key in keys])
    first = len(header) - len(keys)
    if any("±" in row[first] for row in rows if keys):
        header[first] += " (± std. error)"
    return header, rows, len(ranking.ranked) - len(ordered)


def sure_header(ranking: Ranking) -> list[str]:
    """The columns that say how sure a place is."""
    header = ["95 % interval", "P(leads)" if ranking.open else "P(best)", "rank"] if ranking.statistics else []
    if ranking.smooth > 1:
        header.insert(min(1, len(header)), f"last {ranking.smooth}")
    if ranking.statistics and ranking.statistics.baseline:
        header.append(f"against {ranking.statistics.baseline}")
    return header


def sure_cells(r: Ranked, ranking: Ranking) -> list[str]:
    """A checkpoint's cells below sure_header."""
    smoothed = [number(r.smoothed)] if ranking.smooth > 1 else []
    if not ranking.statistics:
        return smoothed
    standing = ranking.statistics.standings.get(r.checkpoint.name)
    interval = range_text(r.interval.low, r.interval.high) if r.interval else "–"
    if standing is None:
        return [interval, *smoothed, "–", "–", *(["–"] if ranking.statistics.baseline else [])]
    first, last = standing.ranks
    cells = [interval, *smoothed, number(standing.p_best, 2), str(first) if first == last else f"{first}–{last}"]
    if r.checkpoint.name == ranking.statistics.baseline:
        cells.append("baseline")
    elif standing.difference and not standing.difference[2] - standing.difference[1] > NO_WIDTH:
        cells.append("–")
    elif standing.difference:
        estimate, low, high = standing.difference
        cells.append(f"{signed(estimate)} ({signed(low)} to {signed(high)})")
    return cells


def summary_lines(ranking: Ranking) -> list[str]:
    """The outcome in words: source, best, ties, how sure, what takes part."""
    best = ranking.best
    smoothed = "" if best.smoothed is None else f", mean over the last {ranking.smooth} {number(best.smoothed)}"
    word = best_word(ranking)
    names = [best.title(key, key) for key in ranking.benchmarks]
    chosen = (
        equal_line(ranking)
        if ranking.equal
        else f"{word}: {best.checkpoint.name}, {ranking.metric} {number(best.eval_accuracy)}"
        + ("" if best.standard_error is None else f" ± {number(best.standard_error)} (standard error)")
        + f", the {ranking.overall} ({len(best.categories)}){smoothed}; chosen as the {chosen_as(ranking)}"
    )
    lines = [
        f"score_source: {ranking.score_source}"
        + (" (synthetic, computed from the step number; nothing was measured)" if ranking.synthetic else ""),
        chosen,
        *([undecided_line(ranking)] if ranking.open else []),
        f"ranked over: {', '.join(names) if set(ranking.benchmarks) != set(STEP_FORMULAS) else 'all 15'}"
        + (f"; NOT over {', '.join(ranking.left_out)}" if ranking.left_out else ""),
    ]
    lines += [f"not the best for sure: {ranking.partial}"] if ranking.partial else []
    unmeasured = [s.name for s in ranking.skipped if s.reason.startswith("no measured score")]
    alone = len(ranking.ranked) == 1
    if alone:
        one = f"{best.checkpoint.name} of {1 + len(unmeasured)} checkpoints" if unmeasured else best.checkpoint.name
        lines.append(f"only {one} is {'measured' if unmeasured else 'ranked'}: nothing to compare it with")
    names = listing((r.checkpoint.name for r in ranking.tied), 20)
    if ranking.statistics:
        sure = sure_lines(ranking.statistics, names)
        lines += sure[-1:] if ranking.undecided or alone else sure
    else:
        if ranking.tied and not ranking.equal:
            lines.append(f"tied with it: {names}" + ("" if ranking.tie_break else "; the earliest is named best"))
        lines.append(f"no statistics: {ranking.no_statistics}")
    for entry in ranking.unlike:
        what = "not comparable, ranked all the same (--allow-unlike)" if ranking.allow_unlike else "not comparable"
        lines.append(f"{what}: {entry.checkpoint.name}: {'; '.join(entry.reasons)}")
    # Files that are there for other reasons are no part of the outcome.
    left = [f"{s.name} ({s.reason})" for s in ranking.skipped if s.reason != NO_CHECKPOINT]
    lines += [f"left out: {listing(left, 5)}"] if left else []
    return [*lines, *(f"note: {line}" for line in ranking.notes)]


def best_word(ranking: Ranking) -> str:
    """What the first of the ranked ones is called: of a part of the items, or of the checkpoints, no best is known."""
    return "leads" if ranking.open else "first" if ranking.partial else "best"


def undecided_line(ranking: Ranking) -> str:
    """Says why there is no best checkpoint, and what can be done; "" where there is one."""
    if not ranking.open:
        return equal_line(ranking) if ranking.equal else ""
    lead, left_out = ranking.best, [one.name for one in ranking.ahead]
    if ranking.rivals and not ranking.ahead and not ranking.lacks:
        others = [r.checkpoint.name for r in ranking.rivals]
        return (
            f"undecided: {lead.checkpoint.name} leads with {number(lead.eval_accuracy)} only if lost attempts are like "
            f"the others: it could be {listing(others, 5)} (the notes have the bounds); measure the lost items again, "
            f"leave out knowingly ({option_words('--exclude', *others)}), or say which of these to take: --tie-break "
            "earliest, latest or smallest"
        )
    if not ranking.ahead:
        name, missing = lead.checkpoint.name, listing(ranking.lacks)
        return (
            f"undecided: {name} leads with {number(lead.eval_accuracy)} over {listing(sorted(ranking.benchmarks))}, "
            f"and {missing}, which others were measured on, is not measured for it: measure that, leave it out "
            f"({option_words('--exclude', name)}), or say that these alone count "
            f"({option_words('--benchmarks', ','.join(sorted(ranking.benchmarks)))})"
        )
    rows = [
        f"{one.name} reports {number(one.score)}"
        + ("" if one.standard_error is None else f" ± {number(one.standard_error)}")
        + f"{f' {one.over}' if one.over else ''} ({one.why})"
        for one in ranking.ahead
    ]
    wanted = dict.fromkeys(one.remedy for one in ranking.ahead)
    of = {remedy: listing([one.name for one in ranking.ahead if one.remedy == remedy], 5) for remedy in wanted}
    remedies = " and ".join(f"{remedy} ({names})" if len(of) > 1 else remedy for remedy, names in of.items())
    score, more = number(lead.eval_accuracy), "less" if lead.sign < 0 else "more"
    more += ", or as much within its error" if any(one.within for one in ranking.ahead) else ""
    more += ", or on another scale" if any(one.why.startswith(OTHER_SCALE) for one in ranking.ahead) else ""
    return (
        f"undecided: of those that can be compared {lead.checkpoint.name} leads with {score}, and what is not ranked "
        f"reports {more}: {listing(rows, 5)}; {remedies}, or leave out knowingly: "
        + option_words("--exclude", *left_out)
    )


def equal_line(ranking: Ranking) -> str:
    """Says that nothing tells the checkpoints apart, and what can be done."""
    equal = candidates(ranking.ranked)
    what = "score" if ranking.smooth == 1 else f"mean over the last {ranking.smooth}"
    score = number(equal[0].sign * equal[0].ranks_by)
    return (
        f"no checkpoint can be told from another: all {len(equal)} have the same {what} {score}; measure more, rank by "
        "other --benchmarks, or say which to take: --tie-break earliest, latest or smallest"
    )


def sure_lines(statistics: Statistics, tied: str) -> list[str]:
    """How sure the choice is, in words."""
    corrected, trend = statistics.corrected, statistics.trend
    lines = [f"tied with it (cannot be told apart at 95 %, model confidence set): {tied or 'none'}"]
    if corrected.standard_error > NO_WIDTH:
        lines.append(
            f"{corrected.name} corrected for having been picked: {number(corrected.value)} ± "
            f"{number(corrected.standard_error)} (standard error), raw {number(corrected.raw)} ({corrected.method})"
        )
    if has_width(trend):
        along = " along the line" if len(trend.names) > 2 else ""
        lines.append(
            f"trend: {trend.verdict} (change{along} from {trend.names[0]} to {trend.names[-1]}: "
            f"{signed(trend.estimate)}, {signed(trend.change.low)} to {signed(trend.change.high)})"
        )
    if corrected.gain is not None:
        estimate, low, high = corrected.gain
        words = f"{signed(estimate)} corrected for having been picked, {signed(low)} to {signed(high)}"
        holds = f"holds for whichever of {len(statistics.standings)} was picked"
        lines.append(
            f"{corrected.name} against {statistics.baseline} ({number(statistics.baseline_score)}): {words} ({holds})"
        )
    if statistics.baseline:
        lines.append(f"differences to {statistics.baseline}: paired, intervals that hold together with 95 % (max-t)")
    return [*lines, f"statistics: {statistics.method}"]


def score_matrix(ranking: Ranking, vocabulary: MetricMapping) -> list[str]:
    """The report's section with every score, of at most twelve checkpoints."""
    columns = ranking.ranked if len(ranking.ranked) <= 12 else (ranking.best, *ranking.tied)[:12]
    matrix = []
    for key in dict.fromkeys(key for r in columns for key in (*r.categories, *r.scores)):
        metric = next((score.metric for r in columns if (score := r.score(key))), None)
        matrix.append(
            [
                ranking.best.title(key, vocabulary.measured_title(key, metric)),
                *(with_interval(r.score(key)) for r in columns),
            ]
        )
    source = " (step-formula: synthetic)" if ranking.synthetic else " [95 % interval], or ± standard error"
    methods = {s.interval.method for r in columns for s in r.scores.values() if s.interval}
    below = [f"Intervals: {'; '.join(sorted(methods))}."] if methods else []
    return [
        f"## Scores{source}",
        markdown_table(["benchmark", *(r.checkpoint.name for r in columns)], matrix),
        *below,
    ]


def distribution_section(ranking: Ranking) -> list[str]:
    """The report's section with the spread of each checkpoint's scores; empty where nothing is known of it."""
    shown = [r for r in ranking.ranked if "benchmarks" in r.distribution]
    if not shown:
        return []
    header = ["checkpoint", "items scored 0 / between / 1", "benchmarks: min, quartiles, max", "0 ── 1"]
    rows = []
    for r in shown:
        items = r.distribution.get("items")
        counts = f"{items['zero']} / {items['between']} / {items['one']}" if items else "–"
        quartiles = ", ".join(number(value, 2) for value in r.distribution["benchmarks"].values())
        rows.append([r.checkpoint.name, counts, quartiles, f"`{histogram_text(r.distribution['histogram'])}`"])
    return ["## Distribution", markdown_table(header, rows)]


def unlike_section(ranking: Ranking, vocabulary: MetricMapping) -> list[str]:
    """The report's section with what could not be compared; empty when all could."""
    if not ranking.unlike:
        return []
    ranked = "These were ranked all the same (`--allow-unlike`)." if ranking.allow_unlike else "These are not ranked."
    rows = []
    for entry in ranking.unlike:
        scores = ", ".join(f"{vocabulary.title(key)} {with_error(score)}" for key, score in entry.scores.items())
        rows.append([entry.checkpoint.name, plain("; ".join(entry.reasons)), plain(scores)])
    return ["## Not comparable", ranked, markdown_table(["checkpoint", "why", "scores (± std. error)"], rows)]


def render_report(ranking: Ranking, vocabulary: MetricMapping, figures: Sequence[str]) -> str:
    """The Markdown report: outcome, ranking, scores by benchmark and their spread, what was left out."""
    header, rows, _ = table_rows(ranking, vocabulary, len(ranking.ranked))
    parts = [
        "# Checkpoint ranking",
        "\n".join(f"- {plain(line)}" for line in summary_lines(ranking)),
        markdown_table(header, rows),
    ]
    parts += [f"![{Path(name).stem.replace('_', ' ')}]({name})" for name in figures if name.endswith(".png")]
    parts += unlike_section(ranking, vocabulary)
    parts += score_matrix(ranking, vocabulary)
    parts += distribution_section(ranking)
    if ranking.harnesses:
        parts.append(f"Measured with {plain(', '.join(ranking.harnesses))}.")
    left = [f"- {plain(s.name)}: {plain(s.reason)}" for s in ranking.skipped if s.reason != NO_CHECKPOINT]
    left += [f"- {plain(f['task'])} failed for {plain(f['checkpoint'])}: {plain(f['error'])}" for f in ranking.failures]
    if left:
        parts += ["## Left out, and notes", "\n".join(left)]
    return "\n\n".join(parts) + "\n"


def table_text(ranking: Ranking, vocabulary: MetricMapping) -> str:
    """The ranking for stdout: a rich table on a terminal, a Markdown one in a pipe."""
    header, rows, hidden = table_rows(ranking, vocabulary, TABLE_ROWS)
    lines = [rich_table(header, rows, ranking.score_source) if sys.stdout.isatty() else markdown_table(header, rows)]
    if ranking.synthetic:
        lines.insert(0, "SYNTHETIC: computed from the step numbers alone; no weights were read, nothing was measured\n")
    lines += ["", *summary_lines(ranking)]
    if hidden:
        lines.append(f"the best {len(rows)} of {len(ranking.ranked)} are shown; --json and --report have all")
    if len(ranking.best.categories) > TABLE_COLUMNS:
        lines.append("scores by benchmark: --report FILE.md, --figures DIR or --json")
    return "\n".join(lines)
