"""The overall order of a board: the benchmarks that it stands on, each model's average over them, and its ranks.

Takes the shown rows of a board; gives a standing for each model. An average is over the same benchmarks for all that
have one, of one unit and direction; a model that lacks one of them has no place, only a count of what it has.
"""

from __future__ import annotations

import dataclasses
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from parts.board.ranks import WIDENED, holm_threshold, rank_ranges, row_error
from parts.board.vocabulary import ITEMS_MARK, BoardRow, RankRange, answered_by_key, count_models
from parts.frame import ScriptError, listing, natural_key, plural
from parts.records.shared import SharedVotes, unlike_opponents, votes_of
from parts.vocabulary import library_field, metric_key

TO_PERCENT = {"proportion": 100.0, "percent": 1.0}  # canonical unit -> factor to percent; others are not averaged
NO_RANK = RankRange(None, None, "unknown")


@dataclasses.dataclass(frozen=True, slots=True)
class BoardPlace:
    """A model's place: how many of the benchmarks it has, and where it has all, its mean (percent), error and ranks.

    needs: of one that lacks some, the mean there (percent) with which it would be level with the leader; None where the
    best possible one would not pass it. near: whether with the best possible one it is not shown to be behind.
    """

    model: str
    have: int
    mean: float | None = None
    error: float | None = None  # standard error of the mean, of independent benchmarks; None when one is not known
    widened: bool = False  # whether the error is wider than that, by what lost answers could change
    rank: RankRange = NO_RANK
    needs: float | None = None
    near: bool = False


def averaging_kind(about: Mapping[str, Any]) -> tuple[Any, ...]:
    """What benchmarks must have in common to be averaged: shares of one direction; any other is alone."""
    unit = about.get("unit", about.get("canonical_unit"))
    return ("share" if unit in TO_PERCENT else about["key"], bool(about["lower_is_better"]))


def primary_benchmarks(rows: Iterable[BoardRow], benchmarks: Sequence[Mapping[str, Any]]) -> list[str]:
    """The benchmarks that the overall order stands on, by default.

    Of one unit and direction, from the best covered one on always that which most of the models so far have too; of
    these sets the one with the most numbers (models that have all, times benchmarks), the larger one of equals. Of
    several metrics of the same answers, which would count them twice, the first one alone.
    """
    import numpy as np

    rows = list(rows)
    answers, kinds = answered_by_key(rows), defaultdict(dict)
    for entry in benchmarks:
        kinds[averaging_kind(entry)].setdefault(answers.get(entry["key"], entry["key"]), entry["key"])
    models: dict[str, int] = {}
    having: dict[str, set[int]] = defaultdict(set)
    for row in rows:
        having[row["benchmark"]].add(models.setdefault(row["model"], len(models)))
    best: tuple[int, list[str]] = (0, [])
    for keys in (list(kind.values()) for kind in kinds.values()):
        table = np.zeros((len(keys), len(models)), dtype=bool)
        for line, key in enumerate(keys):
            table[line, list(having[key])] = True
        chosen: list[str] = []
        complete = np.ones(len(models), dtype=bool)
        while len(chosen) < len(keys):
            counts = (table & complete).sum(axis=1)
            counts[[keys.index(key) for key in chosen]] = -1
            line = int(counts.argmax())
            complete &= table[line]
            chosen.append(keys[line])
            if (area := int(counts[line]) * len(chosen)) and area >= best[0]:
                best = (area, [key for key in keys if key in chosen])
    return best[1]


def fixed_primary(keys: Sequence[str], benchmarks: Sequence[Mapping[str, Any]]) -> list[str]:
    """Benchmarks that somebody named for the overall order; ScriptError when they cannot be averaged."""
    about = {entry["key"]: entry for entry in benchmarks}
    if len({averaging_kind(about[key]) for key in keys}) > 1:
        first = averaging_kind(about[keys[0]])
        other = [key for key in keys if averaging_kind(about[key]) != first]
        raise ScriptError(f"--primary: an average takes one unit and direction; {keys[0]} and {listing(other)} differ")
    return list(dict.fromkeys(keys))


def chosen_primary(
    named: Sequence[str], metadata: Mapping[str, Any], rows: Iterable[BoardRow], among: Sequence[str] = ()
) -> list[str]:
    """The benchmarks of the overall order: those named now, those named at collect, else the ones that most share."""
    if named:
        return fixed_primary(named, metadata["benchmarks"])
    covered = [entry for entry in metadata["benchmarks"] if not among or entry["key"] in among]
    kept = [key for key in metadata.get("primary") or [] if any(entry["key"] == key for entry in covered)]
    return fixed_primary(kept, covered) if kept and not among else primary_benchmarks(rows, covered)


def overall_order(rows: Iterable[BoardRow], keys: Sequence[str]) -> list[BoardPlace]:
    """All models that have one of the benchmarks: those that have all by their mean, then those that lack fewest."""
    found: dict[str, dict[str, BoardRow]] = defaultdict(dict)
    for row in rows:
        if row["benchmark"] in keys:
            found[row["model"]][row["benchmark"]] = row
    lower = any(row["lower_is_better"] for scores in found.values() for row in scores.values())
    means = [mean_row(model, list(scores.values())) for model, scores in found.items() if len(scores) == len(keys)]
    alone = [row for scores in found.values() for row in scores.values()] if len(keys) == 1 else None
    ranks = rank_ranges(alone or [row | {"lower_is_better": lower} for row in means])
    standings = [
        BoardPlace(
            row["model"], len(keys), row["comparable"], row["comparable_error"], row["widened"], ranks[row["model"]]
        )
        for row in means
    ]
    standings.sort(key=lambda one: (one.mean if lower else -one.mean, natural_key(one.model)))
    first = standings[0] if standings else None
    z = holm_threshold(0, math.comb(len(found), 2))
    lacking = [BoardPlace(model, len(scores)) for model, scores in found.items() if len(scores) < len(keys)]
    if first:
        means = [mean_row(one.model, list(found[one.model].values())) for one in lacking]
        lacking = [with_need(one, mean, first, lower, z) for one, mean in zip(lacking, means, strict=True)]
    return [*standings, *sorted(lacking, key=lambda one: (-one.have, natural_key(one.model)))]


def with_need(one: BoardPlace, mine: BoardRow, first: BoardPlace, lower: bool, z: float) -> BoardPlace:
    """A model that lacks some benchmarks, with what it needs there to lead, and whether it may be near the first by z
    standard errors. mine: the mean of those that it has.

    What has no known error may be anything, as in the ranks.
    """
    lacks = first.have - one.have
    needs = (first.have * first.mean - one.have * mine["comparable"]) / lacks
    errors = (first.error, mine["comparable_error"])
    reach = math.inf if None in errors else z * math.hypot(first.have * errors[0], one.have * errors[1]) / lacks
    spare = needs if lower else 100 - needs  # of the best possible mean
    able = spare > 1e-9
    return dataclasses.replace(one, needs=min(max(needs, 0.0), 100.0) if able else None, near=spare + reach >= 0)


def mean_row(model: str, scores: Sequence[BoardRow]) -> BoardRow:
    """The mean of a model's scores as a row that can be ranked; in percent where they are shares."""
    factors = [TO_PERCENT.get(row["canonical_unit"], 1.0) for row in scores]
    errors, bases = zip(*map(row_error, scores), strict=True)
    mean = math.fsum(factor * row["comparable"] for factor, row in zip(factors, scores, strict=True)) / len(scores)
    unit = "percent" if all(row["canonical_unit"] in TO_PERCENT for row in scores) else None
    votes = next((found for row in scores if (found := votes_of(row.get("votes")))), None)
    votes = votes and dataclasses.replace(votes, metric="", gaps={}).text  # shared, but no gap of means is told
    found = {"model": model, "comparable": mean, "comparable_error": None, "canonical_unit": unit, "votes": votes}
    found["widened"] = WIDENED in bases
    if None in errors:
        return found
    answers, together = answered_by_key(scores), defaultdict(float)
    for row, factor, error in zip(scores, factors, errors, strict=True):
        together[answers[row["benchmark"]]] += factor * error  # metrics of the same answers err together
    return found | {"comparable_error": math.hypot(*together.values()) / len(scores)}


def shared_answers_text(rows: Iterable[BoardRow], primary: Sequence[str]) -> str:
    """What an overall order does with several metrics of the same answers, as a sentence to follow; empty for none."""
    answers, metrics = answered_by_key(rows), defaultdict(list)
    for key in [*primary, *sorted(set(answers) - set(primary), key=natural_key)]:
        metrics[answers.get(key, key)].append(key)
    told = []
    for keys in metrics.values():
        counted = [key for key in keys if key in primary]
        if len(counted) > 1:
            told.append(f" {listing(counted, 6)} are of the same answers, so their errors add up.")
        elif counted and len(keys) > 1:
            told.append(f" {listing(keys[1:], 6)}: of the same answers as {counted[0]}, so not counted again.")
    return "".join(told)


def ways_of(row: BoardRow) -> tuple[str | None, ...]:
    """How a score was measured, as far as its source says it: shots, way of the metric, harness of an own run."""
    harness = (row.get("source_name") or "").partition(" ")[0] if row.get("source_type") == "own_run" else ""
    return row["shots"], way_of_metric(row), library_field(harness) or None


def unlike_ways(rows: Iterable[BoardRow]) -> dict[str, str]:
    """Benchmark -> in what its shown scores were not measured alike, as far as anybody says it: "0-shot and 5-shot"."""
    told: dict[str, tuple[set[str], ...]] = defaultdict(lambda: (set(), set(), set()))
    settings: dict[tuple[str, str], set[str]] = defaultdict(set)
    items: dict[tuple[str, str], set[str]] = defaultdict(set)
    votes: dict[str, SharedVotes] = {}
    opponents: dict[str, str] = {}
    for row in rows:
        own = votes_of(row.get("votes"))
        if own and (unlike := unlike_opponents(votes.setdefault(row["benchmark"], own), own)):
            opponents.setdefault(row["benchmark"], f"against {' and '.join(unlike)}")
        for found, text in zip(told[row["benchmark"]], ways_of(row), strict=True):
            found |= {text} - {None}
        writer, _, mark = (row.get("settings") or "").partition(":")
        if mark:
            settings[row["benchmark"], writer].add(mark)
            asked = (text for text in (row.get("answers") or "").split() if text.startswith(ITEMS_MARK))
            items[row["benchmark"], writer].update(asked)
    found = {key: "the items that were asked" for (key, _), marks in items.items() if len(marks) > 1}
    found |= {key: "settings that compare_results.py tells" for (key, _), marks in settings.items() if len(marks) > 1}
    texts = {
        key: [listing(sorted(own, key=natural_key), 3) for own in each if len(own) > 1] for key, each in told.items()
    }
    return found | opponents | {key: "; ".join(own) for key, own in texts.items() if own}


def unlike_now(before: BoardRow, now: BoardRow) -> str:
    """In what two scores of one benchmark were not measured alike: "5-shot before, 8-shot now"; empty for nothing."""
    pairs = zip(ways_of(before), ways_of(now), strict=True)
    told = [f"{one} before, {other} now" for one, other in pairs if one and other and one != other]
    return "; ".join(told) or unlike_ways([before, now]).get(now["benchmark"], "")


def measured_otherwise(rows: Iterable[BoardRow]) -> dict[tuple[str, str], str]:
    """(model, benchmark) -> in what its shown score was measured otherwise than most are: "0-shot"."""
    found: dict[tuple[str, str], str] = {}
    ways = [(row["model"], row["benchmark"], ways_of(row)) for row in rows]
    for part in range(3):
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for _, key, way in ways:
            counts[key].update(filter(None, [way[part]]))
        usual = {key: min(own, key=lambda way: (-own[way], natural_key(way))) for key, own in counts.items() if own}
        for model, key, way in ways:
            if way[part] and way[part] != usual[key]:
                found[model, key] = ", ".join(filter(None, (found.get((model, key)), way[part])))
    return found


def way_of_metric(row: BoardRow) -> str | None:
    """How a score's metric reads the answers, where its source names it: "exact_match,flexible-extract", or whether it
    is the accuracy by raw or by length-normalized log-likelihoods: "acc_norm"."""
    metric, spelled = row.get("metric"), (row.get("source_task") or "").rpartition("/")[2]
    for text in (spelled, metric or ""):
        if "," in (key := metric_key(text)):
            return text
        if key in ("accuracy", "accnorm"):
            return {"accuracy": "acc", "accnorm": "acc_norm"}[key]
    return None


def unlike_text(rows: Iterable[BoardRow], names: Mapping[str, str]) -> str:
    """What of some benchmarks (key -> name) was not measured alike: "GSM8K (0-shot, 5-shot)"; empty for nothing."""
    found = unlike_ways(rows)
    return listing([f"{name} ({found[key]})" for key, name in names.items() if key in found], 3)


def apart_text(lines: Sequence[str]) -> str:
    """Where models were measured, and have no number to compare; lines: "acme/a, GSM8K: why"."""
    return f"measured, but set apart: {'; '.join(lines[:3])}{f'; and {len(lines) - 3} more' if len(lines) > 3 else ''}"


def among_text(standings: Sequence[BoardPlace], models: int, lower: bool) -> str:
    """How many of all models an order is of, and why not of all; which of the others could lead, were they in it."""
    placed, count = count_models(one.model for one in standings if one.mean is not None), standings[0].have
    others = models - placed
    if not others:
        return f"Among all {models:,} models."
    who, have = (f"{others:,}", "have") if others > 1 else ("one", "has")
    why = f"{have} no number {'for a benchmark of this average' if count > 1 else 'to compare'}"
    return f"Among {placed:,} of {models:,} models: the other {who} {why}{rivals_text(standings, lower)}."


def rivals_text(standings: Sequence[BoardPlace], lower: bool) -> str:
    """Which of the models that lack a benchmark could lead: the one that needs least for it, and how many more; where
    none could, the first that the errors alone keep near."""
    count, able = standings[0].have, [one for one in standings if one.needs is not None]
    able.sort(key=lambda one: (-one.needs if lower else one.needs, natural_key(one.model)))
    if not able:
        near = next((one for one in standings if one.near), None)
        return (near and f"; none could lead, {near.model} ({near.have} of {count}) could come within the errors") or ""
    first, more = able[0], count_models(one.model for one in able) - 1
    others = f", and {more:,} more could lead" if more else ""
    return f"; {first.model} ({first.have} of {count}) would need {first.needs:.1f} there to lead{others}"


def is_certain(standings: Sequence[BoardPlace], unlike: str) -> bool:
    """Whether the first is shown to lead all models that have a place, and no other one could be near it."""
    first, *others = standings
    alone = not any(one.mean is not None for one in others) or any(one.near for one in others)
    return first.rank.high == 1 and not alone and not unlike


def mean_digits(standings: Sequence[BoardPlace]) -> int:
    """The decimals of means: two on a scale such as 1 to 5 or of logits, where one tells nothing apart."""
    return 1 if any(abs(one.mean) >= 10 for one in standings if one.mean is not None) else 2


def mean_text(one: BoardPlace, digits: int) -> str:
    """A mean with its error: "60.0 ± 1.3 std. error"."""
    what = "std. error with lost answers" if one.widened else "std. error"
    return f"{one.mean:.{digits}f}" + ("" if one.error is None else f" ± {one.error:.{digits}f} {what}")


def leader_text(standings: Sequence[BoardPlace], what: str, models: int, unlike: str = "", lower: bool = False) -> str:
    """Who leads, by how much, whether that is certain, among how many, and by what; what: "the average of A, B".

    models: how many there are, with or without a place. unlike: what was not measured alike, so that no error of the
    numbers makes their order certain. lower: whether less is better.
    """
    placed = [one for one in standings if one.mean is not None]
    if not placed:
        return f"No model has {what}."
    first, *others = placed
    among = among_text(standings, models, lower)
    digits = mean_digits(placed[:2])
    means = [mean_text(one, digits) for one in placed[:2]]
    if not others:
        return f"{first.model} leads with {means[0]}; no other model can be compared. {among} By {what}."
    gap = f"{abs(first.mean - others[0].mean):.{digits}f}"
    leads = f"leads by {gap} points over" if float(gap) else "is level with"
    start = f"{first.model} {leads} {others[0].model} ({' to '.join(means)})."
    return f"{start} {certainty_text(standings, unlike)} {among} By {what}."


def certainty_text(standings: Sequence[BoardPlace], unlike: str) -> str:
    """Whether it is certain that the first leads, and what leaves it open."""
    first, *others = (one for one in standings if one.mean is not None)
    if not others:
        return "No other model can be compared."
    alike = [one for one in others if one.rank.low == 1]
    if first.rank.low is None:
        certain = "Whether that is certain is not known: an error is missing."
    elif is_certain(standings, unlike):
        certain = "That is certain (95 %)."
    elif first.rank.high == 1:
        certain = f"Certain (95 %) only among the models with all {first.have} benchmarks."
        if unlike:
            certain = f"Certain by the numbers (95 %), but not measured alike: {unlike}."
    elif alike:
        more = "" if len(alike) == 1 else f" and {plural(len(alike) - 1, 'other')}"
        certain = f"Not certain: {alike[0].model}{more} cannot be told apart from it (95 %)."
    else:
        certain = "Not certain: the error of others is not known."
    return certain + (f" Not measured alike: {unlike}." if unlike and "alike:" not in certain else "")


@dataclasses.dataclass(frozen=True, slots=True)
class BoardOrder:
    """The order of a board's models by some benchmarks, and what is said of it; the same wherever it is told."""

    names: Mapping[str, str]  # key -> name of the benchmarks
    standings: list[BoardPlace]
    unlike: str  # what was not measured alike
    lower: bool
    models: int  # of the board

    @property
    def what(self) -> str:
        """What the order is by: "GSM8K", "the average of A, B"."""
        names = list(self.names.values())
        return names[0] if len(names) == 1 else f"the average of {listing(names, 6)}"

    @property
    def text(self) -> str:
        """Who leads, by how much, whether that is certain, among how many, and by what."""
        return leader_text(self.standings, self.what, self.models, self.unlike, self.lower)

    @property
    def certain(self) -> bool:
        """Whether the first is shown to lead all others."""
        return bool(self.standings) and is_certain(self.standings, self.unlike)

    @property
    def certainty(self) -> str:
        """Whether it is certain who leads, and what leaves it open, as a sentence."""
        return certainty_text(self.standings, self.unlike)

    @property
    def first(self) -> str:
        """The model with the best number; empty where none has a place."""
        return self.standings[0].model if self.standings and self.standings[0].mean is not None else ""

    @property
    def leader(self) -> str:
        """The model that leads by the numbers and their errors, measured alike or not; empty where none does."""
        return self.standings[0].model if self.standings and is_certain(self.standings, "") else ""


def board_order(
    rows: Sequence[BoardRow], keys: Sequence[str], benchmarks: Iterable[Mapping[str, Any]], models: int
) -> BoardOrder:
    """The order of the shown rows by some benchmarks; benchmarks: as the metadata tells them."""
    about = {entry["key"]: entry for entry in benchmarks}
    names = {key: about[key]["name"] for key in keys}
    lower = any(about[key]["lower_is_better"] for key in keys)
    return BoardOrder(names, overall_order(rows, keys), unlike_text(rows, names), lower, models)
