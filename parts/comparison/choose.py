"""Which of several models: the paired differences of all pairs as one family of tests, and what each choice costs.

Takes models with their runs (no baseline), and if there is one a table of facts (prices, speeds, sizes); gives a
`Choice`: BETTER (one model is shown better than every other somewhere, and worse nowhere), MIXED, NO DIFFERENCE
SHOWN, or INCONCLUSIVE where a pair was compared on nothing. Never a GO: whether the better one is good enough is
another question.
"""

from __future__ import annotations

import csv
import io
import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from parts.comparison.comparable import MetricsToChoose
from parts.comparison.losses import BY_WRITING, within_losses, within_reach, within_writing
from parts.comparison.report import benchmark_name, change, count_cell, is_share, row_notes, score_cell
from parts.comparison.rows import NO_VERDICT, Question, make_rows, raise_together
from parts.comparison.verdicts import open_reason, with_items_that_show
from parts.comparison.vocabulary import ABSENT, BETTER, INCONCLUSIVE, NOT_COMPARABLE, REGRESSION, Row
from parts.frame import ScriptError, listing, percent, plural
from parts.inputs import input_text
from parts.statistics.differences import two_sided_p
from parts.statistics.paired import step_levels
from parts.tables import pipe_table

MIXED, NO_DIFFERENCE = "MIXED", "NO DIFFERENCE SHOWN"
NO_WORSE = 0.01  # of a metric's range: a model that is shown to lose less is no worse, in the table of facts
SIDE_WORDS = re.compile(r"(?<![\w/.-])(?:the )?(baseline|candidate)(?![\w/-])")
WAYS = ("lower", "higher")


@dataclass(frozen=True, slots=True)
class Duel:
    """Two models on one benchmark: where the second one's lead lies, and whether that leaves out 0."""

    one: str
    other: str
    row: Row
    interval: tuple[float, float] | None = None  # of the lead of `other`, more is better; all hold together
    p_adjusted: float | None = None
    winner: str | None = None

    @property
    def bounds(self) -> tuple[float, float]:
        """The interval as it holds whatever the lost attempts would have got."""
        return within_reach(self.row, self.interval)


@dataclass(frozen=True, slots=True)
class ChoiceFacts:
    """What is known of models beside their scores. better: fact -> lower or higher."""

    better: Mapping[str, str]
    values: Mapping[str, Mapping[str, float]]  # model -> fact -> number


@dataclass(frozen=True, slots=True)
class Choice:
    """The answer."""

    verdict: str
    best: str | None
    models: tuple[str, ...]
    duels: tuple[Duel, ...]
    alpha: float
    facts: ChoiceFacts | None
    luck: str = ""  # what is said of how many a model was picked from

    @property
    def open(self) -> list[Duel]:
        """Those that could not be compared: measured unlike, or (as in a gate) for one model only."""
        rows = ((duel, duel.row) for duel in self.duels)
        return [duel for duel, row in rows if row.verdict == NOT_COMPARABLE or (row.blocking and row.verdict == ABSENT)]

    @property
    def exit_code(self) -> int:
        """0 when one model is better and nothing that blocks was left out, else 3."""
        return 0 if self.verdict == BETTER and not self.open else 3

    def wins(self, one: str, other: str) -> list[Duel]:
        """The benchmarks on which `one` is shown better than `other`."""
        return [duel for duel in self.duels if {duel.one, duel.other} == {one, other} and duel.winner == one]


def rank_ranges_of(choice: Choice) -> list[tuple[Row, dict[str, tuple[int, int]]]]:
    """For each benchmark on which any were compared a row of it, and the ranks that each model may have, in the order
    of their middles: from 1 + how many are shown better to the number of models without those that are shown worse."""
    by_benchmark: dict[tuple[str, str], list[Duel]] = {}
    for duel in choice.duels:
        by_benchmark.setdefault((duel.row.key, benchmark_name(duel.row)), []).append(duel)
    found = []
    for duels in by_benchmark.values():
        if all(duel.interval is None for duel in duels):
            continue
        won = [(duel.winner, duel.other if duel.winner == duel.one else duel.one) for duel in duels if duel.winner]
        ranks = {
            name: (
                1 + sum(loser == name for _, loser in won),
                len(choice.models) - sum(best == name for best, _ in won),
            )
            for name in choice.models
        }
        found.append((duels[0].row, dict(sorted(ranks.items(), key=lambda item: sum(item[1])))))
    return found


def ranks_text(row: Row, ranks: Mapping[str, tuple[int, int]]) -> str:
    """The ranks of all models on a benchmark: "ranks on arena: A 1, B 2–3, C 2–3"."""
    told = (f"{name} {low}" if low == high else f"{name} {low}–{high}" for name, (low, high) in ranks.items())
    return f"ranks on {benchmark_name(row)}: {listing(told, 20)}"


def choose(question: Question, facts: ChoiceFacts | None) -> Choice:
    """Every pair of the candidates on every benchmark, Holm over all of them, and who is better."""
    names = [model.name for model in question.candidates]
    duels = []
    asked: list[MetricsToChoose] = []
    for one, other in itertools.combinations(question.candidates, 2):
        try:
            rows = make_rows(replace(question, baseline=one, candidates=(other,)))
            duels += [Duel(one.name, other.name, row) for row in rows]
        except MetricsToChoose as error:
            asked.append(error)
    raise_together(asked)
    known = [i for i, d in enumerate(duels) if d.row.basis is not None and d.row.basis.evidence is not None]
    known = [i for i in known if duels[i].row.verdict not in (NOT_COMPARABLE, ABSENT)]
    p_values = [two_sided_p(duels[i].row.basis.evidence) for i in known]
    alpha = question.policy.alpha / max(1, question.policy.tried or 1)  # the best of some may be the luckiest
    levels = step_levels(p_values, alpha, "holm")
    for i, p, (adjusted, level) in zip(known, p_values, levels, strict=True):
        low, high = map(float, duels[i].row.basis.evidence.interval(level))
        shown = duels[i].other if low > 0 else duels[i].one if high < 0 else None  # one that ends at 0 shows nothing
        winner = shown if p <= level else None
        row = duels[i].row
        verdict = row.verdict if winner is None else BETTER if low > 0 else REGRESSION
        held = replace(row, verdict=verdict, threshold=0.0, levels=(level / 2, level / 2))
        held = within_writing(within_losses(held, question.policy), question.policy)
        row, winner = replace(row, notes=held.notes), None if held.verdict == INCONCLUSIVE else winner
        if winner is None and not (shown and p <= level):  # else more items decide nothing: it is what was lost
            row = with_items_that_show(row, 0.0, (level / 2, level / 2), question.policy.power)
        duels[i] = replace(duels[i], row=row, interval=(low, high), p_adjusted=adjusted, winner=winner)
    duels = [replace(duel, row=named_row(duel)) for duel in duels]
    compared = {(duel.one, duel.other) for duel in duels if duel.interval is not None}
    verdict = NO_DIFFERENCE if compared.issuperset(itertools.combinations(names, 2)) else INCONCLUSIVE
    choice = Choice(verdict, None, tuple(names), tuple(duels), alpha, facts, question.luck)
    if not any(duel.winner for duel in duels):
        return choice
    leaders = [
        name
        for name in names
        if all(choice.wins(name, other) and not choice.wins(other, name) for other in names if other != name)
    ]
    return replace(choice, verdict=BETTER if leaders else MIXED, best=leaders[0] if leaders else None)


def named_row(duel: Duel) -> Row:
    """A duel's row, with its models' names in the notes: neither of them is a baseline or a candidate."""
    names = {"baseline": duel.one, "candidate": duel.other}
    notes = (SIDE_WORDS.sub(lambda found: names[found[1]], text) for text in duel.row.notes)
    return replace(duel.row, notes=tuple(notes))


# --- Facts ------------------------------------------------------------------------------------------------------------


def read_choice_facts(path: Path, models: Sequence[str]) -> ChoiceFacts:
    """A CSV table: models in the first column, a number for each fact; the line below the header says lower or higher.

    ScriptError: code 3 when it does not say which way is better, 2 when a model or a number is missing.
    """
    lines = fact_lines(path)
    header = lines[0]
    ways = [cell.lower() for cell in lines[1][1:]]
    if not set(ways) <= set(WAYS):
        example = ",".join(["better", *("lower" for _ in header[1:])])
        raise ScriptError(
            f"--facts {path}: is less or more of {listing(header[1:])} better? Say it in the second line: {example}",
            code=3,
        )
    values: dict[str, dict[str, float]] = {}
    for line in lines[2:]:
        name = line[0]
        own = [model for model in models if name == model] or [m for m in models if name in names_of_model(m)]
        if len(own) != 1:
            continue
        if own[0] in values:
            raise ScriptError(f"--facts {path}: two lines for {own[0]}")
        try:
            numbers = [float(cell) for cell in line[1:]]
        except ValueError as error:
            raise ScriptError(f"--facts {path}: {name}: {error}") from error
        if not all(map(math.isfinite, numbers)):
            raise ScriptError(f"--facts {path}: {name}: a finite number for each of {listing(header[1:])} is expected")
        values[own[0]] = dict(zip(header[1:], numbers, strict=True))
    missing = [model for model in models if model not in values]
    if missing:
        raise ScriptError(f"--facts {path}: no line for {listing(missing)}")
    return ChoiceFacts(dict(zip(header[1:], ways, strict=True)), values)


def fact_lines(path: Path) -> list[list[str]]:
    """The lines of a CSV table, but blank ones; ScriptError where not each has as many cells as the first, whose names
    are one column's each: a price of 1,234.5 would be two cells, and of two columns of one name the last would count.
    """
    try:
        rows = csv.reader(io.StringIO(input_text(path)), strict=True)
        lines = [(rows.line_num, [cell.strip() for cell in line]) for line in rows if any(map(str.strip, line))]
    except csv.Error as error:
        raise ScriptError(f"--facts {path}: {error}") from error
    header = lines[0][1] if lines else []
    if len(lines) < 2 or len(header) < 2:
        raise ScriptError(f"--facts {path}: a header and a line for each model are expected")
    if len(set(header[1:]) - {""}) < len(header) - 1:
        raise ScriptError(f"--facts {path}: each fact is one column, with a name of its own in the first line")
    for number, line in lines:
        if len(line) != len(header):
            raise ScriptError(
                f"--facts {path}: line {number}: {len(line)} cells, and {len(header)} in the first line: numbers are "
                "written without commas between digits (1234.5)"
            )
    return [line for _, line in lines]


def names_of_model(model: str) -> set[str]:
    """What a model may be called in a table: with or without its revision and its owner."""
    bare = model.partition("@")[0]
    return {model, bare, model.rsplit("/", 1)[-1], bare.rsplit("/", 1)[-1]}


def lead(duel: Duel, name: str) -> tuple[float, float]:
    """The bounds of a model's lead in a duel, as a share of the metric's range; without one, of the better score."""
    low, high = duel.bounds
    span = duel.row.span or max(abs(duel.row.baseline_score), abs(duel.row.score)) or 1.0
    return (low / span, high / span) if name == duel.other else (-high / span, -low / span)


def dominated(choice: Choice, name: str) -> list[str]:
    """Who leaves no reason to take a model: no worse in any fact, shown no worse on any benchmark, better somewhere."""
    facts, found = choice.facts, []
    for other in choice.models:
        own = [d for d in choice.duels if {d.one, d.other} == {name, other} and d.row.verdict != ABSENT]
        if other == name or not own or any(d.interval is None for d in own):
            continue
        signs = {fact: 1 if way == "higher" else -1 for fact, way in facts.better.items()}
        ahead = [signs[fact] * (facts.values[other][fact] - facts.values[name][fact]) for fact in signs]
        no_worse = all(lead(duel, other)[0] > (-NO_WORSE if duel.row.span else 0.0) for duel in own)
        if min(ahead) >= 0 and no_worse and (max(ahead) > 0 or choice.wins(other, name)):
            found.append(other)
    return found


def costs_of_choice(choice: Choice) -> list[str]:
    """What each model gives up and saves against the best, or else against the one that is ahead most often.

    Differences are counted, not added up: their units and ranges are unlike.
    """
    compared = [duel for duel in choice.duels if duel.interval is not None]
    ahead = dict.fromkeys(choice.models, 0)
    for gain, duel in ((duel.row.sign * duel.row.delta, duel) for duel in compared):
        ahead[duel.other] += gain > 0
        ahead[duel.one] += gain < 0
    top = choice.best or max(ahead, key=ahead.get)
    count = plural(sum(top in (duel.one, duel.other) for duel in compared), "comparison")
    lines = [f"against {top}, whose score is the better one in {ahead[top]} of {count}:"]
    for name in choice.models:
        if name == top:
            continue
        shown = []
        for duel in (d for d in compared if {d.one, d.other} == {name, top} and d.winner is not None):
            sign = 1 if name == duel.other else -1
            low, high = duel.interval if sign > 0 else (-duel.interval[1], -duel.interval[0])
            low, high = duel.row.as_shown(low, high)
            shown.append(
                f"{'better' if duel.winner == name else 'worse'} on {benchmark_name(duel.row)}: "
                f"{change(duel.row, sign * duel.row.delta)} [{change(duel.row, low)}, {change(duel.row, high)}]"
            )
        shown.append("nothing shown elsewhere" if shown else "no difference shown")
        for fact in choice.facts.better:
            mine, theirs = choice.facts.values[name][fact], choice.facts.values[top][fact]
            share = f" ({100 * (mine / theirs - 1):+.0f} %)" if theirs > 0 else ""
            shown.append(f"{fact} {mine:g}, as there" if mine == theirs else f"{fact} {mine:g}, not {theirs:g}{share}")
        lines.append(f"{name}: {', '.join(shown)}")
    return lines


# --- Output -----------------------------------------------------------------------------------------------------------


def choice_table(choice: Choice) -> tuple[list[str], list[list[str]]]:
    """A line for each pair and benchmark."""
    several = len(choice.models) > 2
    header = ["pair"] * several + ["benchmark"]
    header += ["first", "second"] if several else list(choice.models)
    header += [f"difference ({percent(1 - choice.alpha)} interval)", "n", "better", "notes"]
    lines = []
    for duel in choice.duels:
        row, shown = duel.row, "–"
        if duel.interval is not None:
            low, high = row.as_shown(*duel.interval)
            unit = " points" if is_share(row) else f" {row.unit}"
            shown = f"{change(row, row.delta)}{unit} ({change(row, low)} to {change(row, high)})"
        verdict = duel.winner or ("none shown" if duel.interval is not None else row.verdict.lower())
        cells = [f"{duel.one}, {duel.other}"] * several + [benchmark_name(row), score_cell(row, 0), score_cell(row, 1)]
        lines.append([*cells, shown, count_cell(row), verdict, row_notes(row)])
    return header, lines


def choice_lines(choice: Choice) -> list[str]:
    """The answer in words."""
    names = listing(choice.models, 20)
    lines = [f"{choice.verdict}: {choice.best}, of {names}" if choice.best else f"{choice.verdict}: {names}"]
    lines += [f"- {choice.luck}"] if choice.luck else []
    for one, other in itertools.permutations(choice.models, 2):
        won = [duel.row.label for duel in choice.wins(one, other)]
        lines += [f"- {one} is better than {other} on {listing(won, 20)}"] if won else []
    for one, other in itertools.combinations(choice.models, 2):
        unshown: dict[str, list[str]] = {}
        for duel in choice.duels:
            if (duel.one, duel.other) == (one, other) and duel.interval is not None and duel.winner is None:
                low, high = duel.row.as_shown(*duel.bounds)
                ends = f"{benchmark_name(duel.row)} (beyond {change(duel.row, low)} and {change(duel.row, high)})"
                unshown.setdefault(how_open(duel), []).append(ends)
        for how, ends in unshown.items():
            lines.append(f"- no difference of {one} and {other} shown, {how}: {listing(ends, 20)}")
    if len(choice.models) > 2:
        lines += [f"- {ranks_text(*one)}" for one in rank_ranges_of(choice)]
    left = [f"{d.row.label} ({why_left(d.row)})" for d in choice.duels if d.interval is None]
    lines += [f"- not compared: {listing(dict.fromkeys(left), 20)}"] if left else []
    if choice.facts is not None:
        lines += [f"- {line}" for line in costs_of_choice(choice)]
        for name in choice.models:
            by = dominated(choice, name)
            lines += (
                [f"- no reason to take {name}: {listing(by)} is no worse in anything, and better somewhere"]
                if by
                else []
            )
    return lines


def how_open(duel: Duel) -> str:
    """What the interval of a duel that nobody has won says."""
    low, high = duel.interval
    if (low > 0 or high < 0) and any(BY_WRITING in note for note in duel.row.notes):
        return "for how answers are written may outweigh what they say (see the notes)"
    if low > 0 or high < 0:
        return "for what was lost may outweigh what was scored, whose difference is (see the notes)"
    span = math.inf if duel.row.span is None else duel.row.span
    if duel.bounds[0] <= -span and duel.bounds[1] >= span:
        return "and none ruled out"
    lost = ", whatever lost attempts would have got" if duel.bounds != duel.interval else ""
    return f"and larger ones ruled out{lost}"


def why_left(row: Row) -> str:
    """Why a benchmark was not compared: how it stands, or what there is against a verdict."""
    return next((note for note in row.notes if note.startswith(NO_VERDICT)), row.verdict.lower())


def choice_reading(choice: Choice) -> str:
    """How the table is to be read."""
    count = len([duel for duel in choice.duels if duel.interval is not None])
    sure = percent(1 - choice.alpha)
    told = (
        f"The interval holds with {sure}" if count == 1 else f"The {count} intervals hold together with {sure} (Holm)"
    )
    if not count:
        return "Nothing was compared. This asks which model is better, not whether it is good enough to ship."
    return (
        f"Differences are second minus first. {told}; one that leaves out 0 shows a difference. This says which model "
        "is better, not whether it is good enough to ship."
    )


def choice_text(choice: Choice) -> str:
    """The answer as Markdown."""
    return "\n".join([pipe_table(*choice_table(choice)), "", *choice_lines(choice), "", choice_reading(choice)])


def choice_json(choice: Choice) -> dict[str, Any]:
    """The document of --json."""
    return {
        "schema_version": "1",
        "rule": "choose",
        "verdict": choice.verdict,
        "exit_code": choice.exit_code,
        "reason": None if choice.exit_code == 0 else open_reason([duel.row for duel in choice.duels]),
        "best": choice.best,
        "models": list(choice.models),
        "alpha": choice.alpha,
        "reasons": choice_lines(choice)[1:],
        "how_to_read": [choice_reading(choice)],
        "comparisons": [
            {
                "models": [duel.one, duel.other],
                "benchmark": duel.row.key,
                "name": duel.row.label,
                "metric": duel.row.metric or None,
                "unit": duel.row.unit,
                "lower_is_better": duel.row.lower_is_better,
                "scores": [duel.row.baseline_score, duel.row.score],
                "delta": duel.row.delta,
                "interval": None if duel.interval is None else list(duel.row.as_shown(*duel.interval)),
                "p_adjusted": duel.p_adjusted,
                "better": duel.winner,
                "items_needed": duel.row.items_needed,
                "n": duel.row.basis.n or None if duel.row.basis else None,
                "method": duel.row.basis.method if duel.row.basis else None,
                "notes": list(duel.row.notes),
            }
            for duel in choice.duels
        ],
        "ranks": [
            {"benchmark": row.key, "name": row.label, "ranks": {name: list(ends) for name, ends in ranks.items()}}
            for row, ranks in rank_ranges_of(choice)
        ],
        "facts": None
        if choice.facts is None
        else {
            "better": dict(choice.facts.better),
            "values": {name: dict(own) for name, own in choice.facts.values.items()},
            "dominated": {name: dominated(choice, name) for name in choice.models},
        },
    }
