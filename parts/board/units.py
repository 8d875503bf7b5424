"""Scores brought to one unit, or kept apart."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from parts.board.ranks import SHARE_SCALES
from parts.board.vocabulary import CHANCE_TELLS, EXTRACTIONS, SOURCE_FORMATS, SOURCE_TYPES, BoardRow, Company, Unit
from parts.statistics.intervals import TWO_SIDED_Z
from parts.statistics.item_statistics import unlike_lengths
from parts.vocabulary import RIGHT_ANSWERS, metric_type, normalize_name

VALUES_TELL = 3
UNSAID_TOKENS = "by the model's own tokens, and nothing says that others have the same: word_perplexity, bits_per_byte"
OTHER_COLUMN = ", while the column of"


def unit_of(value: float, entry: Mapping[str, Any], document: Company, board: Company) -> Unit:
    """What an unlabelled value of a benchmark is measured in, where that can be known; nothing is guessed.

    Above 1 a share is a percentage. At most 1 it is a proportion when no share of its document is above 1 and, as a
    percentage, it or another share of the document would be far below guessing, or the document has three such values.
    Else what others have on the same task of a Hub Benchmark decides: all at most 1, and three of them.
    """
    low, high = entry["range"]
    if entry["unit"] == "points":
        if (low is not None and value < low) or (high is not None and value > high):
            return Unit(None, why_not=f"{value:g} is outside its range, {low} to {high}")
        if high is not None and high >= 100 and 0 < abs(value) <= 1:
            return Unit(None, why_not=f"{value:g} may be of {high:g} points or of 1: nothing says which")
        return Unit("points", "the benchmark has points")
    if value == 0:
        return Unit(entry["unit"], "zero in every unit")
    if value < 0 or (value > 100 and high is not None):
        return Unit(None, why_not=f"{value:g} is no share: below 0 or above 100")
    if value > 1 and high is None:
        return Unit(None, why_not=f"{value:g} may be percent or a rate above 1: nothing says which")
    if value > 1:
        return Unit("percent", "above 1")
    if document.above_one:
        return Unit(None, why_not=f"{value:g} stands beside values above 1: a proportion, or a percentage below 1")
    if (entry.get("chance") or 0) >= CHANCE_TELLS:
        return Unit("proportion", "as a percentage far below guessing")
    if document.above_chance:
        return Unit("proportion", "beside a value that is one")
    if document.count < VALUES_TELL and board.above_one:
        return Unit(None, why_not=f"{value:g}, while the Benchmark has values above 1: a proportion, or below 1 %")
    if document.count >= VALUES_TELL or board.count >= VALUES_TELL:
        return Unit("proportion", "no value beside it is above 1")
    return Unit(None, why_not=f"{value:g} may be a proportion or a percentage: nothing says which")


def converted(value: float | None, unit: str | None, canonical: str | None) -> float | None:
    """A value in the benchmark's unit; None when the units do not convert. Decimal, so that 41.2 % is 0.412."""
    if value is None or unit is None or canonical is None:
        return None
    if unit == canonical:
        return value
    factor = {("percent", "proportion"): "0.01", ("proportion", "percent"): "100"}.get((unit, canonical))
    return None if factor is None else float(Decimal(repr(value)) * Decimal(factor))


def settle_units(rows: Sequence[BoardRow], mapping: Mapping[str, Any]) -> None:
    """Give every row of a known benchmark its unit and comparable value, or the reason why it has none."""
    companies: dict[Any, Company] = defaultdict(Company)
    for row in rows:
        entry = mapping.get(row["benchmark"] or "")
        if entry and entry["unit"] not in ("points", None) and row["unit"] is None and row["why_not"] is None:
            document, board = places_of(row)
            companies[document].add(row["value"], entry.get("chance") or 0.0)
            if row["source_type"] != "open_pr":  # anybody can open one
                companies[board].add(row["value"], entry.get("chance") or 0.0)
        elif row["unit"] in (None, "percent") and counts_as_share(row, entry):
            companies[places_of(row)[0]].above_one |= row["value"] > 1
    for row in rows:
        entry = mapping.get(row["benchmark"] or "")
        if entry is None:
            row["why_not"] = row["why_not"] or "no benchmark of metric_mapping.json"
            continue
        row["benchmark_name"], row["canonical_unit"] = entry["name"], entry["unit"]
        if entry["unit"] is None:
            row["why_not"] = row["why_not"] or "its records say no unit: say it in a file of --mapping"
            continue
        row["lower_is_better"] = bool(entry["lower_is_better"])
        if row["unit"] is None and row["why_not"] is None:
            document, board = places_of(row)
            in_board = companies[board] if row["source_format"] == "eval_results" else Company()
            unit = unit_of(row["value"], entry, companies[document], in_board)
            row["unit"], row["unit_basis"], row["why_not"] = unit.name, unit.basis, unit.why_not
        compare(row, entry)


def counts_as_share(row: BoardRow, entry: Mapping[str, Any] | None) -> bool:
    """Whether a row's value is a share in some unit, comparable or not: by its benchmark, else by its metric."""
    if entry:
        return entry["unit"] in (None, "proportion", "percent")
    return normalize_name(metric_type(row["metric"]) or "") in RIGHT_ANSWERS - {""}


def places_of(row: BoardRow) -> tuple[Any, Any]:
    """The document that a row stands in, and the Benchmark's task that it is for."""
    document = (row["model"], row["source_format"], row["pull_request"])
    return document, (row["source_format"], row["source_task"])


def is_own_scale(row: BoardRow) -> bool:
    """Whether a row's unit is its metric's name, the metric's own scale: word_perplexity in perplexity."""
    unit = normalize_name(row["unit"] or "")
    return bool(unit) and normalize_name(row["metric"] or "").endswith(unit)


def compare(row: BoardRow, entry: Mapping[str, Any]) -> None:
    """Set `comparable` and its error when nothing speaks against it."""
    unit = "points" if entry["unit"] == "points" and is_own_scale(row) else row["unit"]
    value = converted(row["value"], unit, entry["unit"])
    low, high = entry["range"]
    if row["why_not"] is None and value is None:
        row["why_not"] = f"in {row['unit']}, while {entry['name']} is in {entry['unit']}"
    if row["why_not"] is None and ((low is not None and value < low) or (high is not None and value > high)):
        row["why_not"] = f"{value:g} {row['unit']} is outside its range, {low} to {high}"
    if row["why_not"] is None:
        row["comparable"] = value
        row["comparable_error"] = converted(error_with_lost(row), unit, entry["unit"])


def error_with_lost(row: BoardRow) -> float | None:
    """A score's standard error, wider where its lost attempts could move it: by as much as makes its 95 % interval hold
    what they could make of it. None where no bound is known."""
    reach, error, scale = row.get("reach") or 0.0, row["standard_error"], SHARE_SCALES.get(row["unit"] or "")
    if not reach:
        return error
    if error is None and scale:  # the largest that a share of so many can have
        error = 0.5 * scale / math.sqrt(row["n"] or 1)
    bound = reach if math.isfinite(reach) else scale
    return None if error is None or bound is None else math.hypot(error, bound / TWO_SIDED_Z)


def way_of(row: BoardRow) -> str | None:
    """How right answers were told: by what the likelihood of choices was weighed (acc_norm, acc_bytes), by which filter
    the answer was found, "acc" for by nothing; None where no harness's record says it."""
    metric, _, extraction = (row.get("metric") or "").partition(",")
    folded = normalize_name(metric_type(metric) or "") if row["source_format"] == "record" else ""
    told = RIGHT_ANSWERS - {""}
    if folded in told and extraction in EXTRACTIONS:
        return extraction
    return metric if folded.startswith("acc") and folded != "accuracy" else "acc" if folded in told else None


def fitting_columns(way: str) -> tuple[str, ...]:
    """The columns that a number measured in some way may stand in: right answers that no filter is said for ("acc")
    are the metric of those that one found, measured otherwise at most; acc_norm is another metric."""
    return (way, *EXTRACTIONS) if way == "acc" else (way,)


def keep_one_metric(rows: Sequence[BoardRow]) -> None:
    """Keep apart what stands in another of acc and acc_norm, or was found by another filter, than a benchmark's column.

    The column's is the one that most models have, each by the numbers of its first kind of source, which would be shown
    (so no number decides that is not in it); of equals acc, of filters the strict one, which flatters nobody.
    """
    order = list(SOURCE_TYPES)
    first: dict[tuple[str, str], int] = {}
    for row in rows:
        if row["comparable"] is not None:
            place = order.index(row["source_type"])
            first[row["model"], row["benchmark"]] = min(place, first.get((row["model"], row["benchmark"]), place))
    having: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    told = [(row, way) for row in rows if row["comparable"] is not None and (way := way_of(row))]
    for row, way in told:
        if order.index(row["source_type"]) == first[row["model"], row["benchmark"]]:
            for column in fitting_columns(way):
                having[row["benchmark"]][column].add(row["model"])
    usual = ("acc", *EXTRACTIONS)
    chosen = {
        key: min(ways, key=lambda way: (-len(ways[way]), usual.index(way) if way in usual else len(usual), way))
        for key, ways in having.items()
    }
    for row, way in told:
        column = chosen.get(row["benchmark"], way)
        if column not in fitting_columns(way):
            keep_apart(row, f"in {way}{OTHER_COLUMN} {row['benchmark_name']} is in {column}")


def keep_one_unit(rows: Sequence[BoardRow]) -> None:
    """Keep apart a perplexity by other tokens than its column's: those of most models, of equals the fewest, whose
    perplexities are the highest. By a model's own tokens it stays where all are of one training run's."""
    said: dict[str, list[BoardRow]] = defaultdict(list)
    unsaid: dict[str, list[BoardRow]] = defaultdict(list)
    for row in rows:
        if row["comparable"] is not None and (row.get("length") or row.get("tokens")):
            (said if row.get("length") else unsaid)[row["benchmark"]].append(row)
    for key, own in unsaid.items():
        if said[key] or len({row["tokens"] for row in own}) > 1:
            for row in own:
                keep_apart(row, UNSAID_TOKENS)
    for own in filter(None, said.values()):
        most = {
            row["length"]: {r["model"] for r in own if not unlike_lengths(r["length"], row["length"])} for row in own
        }
        chosen = min(most, key=lambda length: (-len(most[length]), length))
        for row in own:
            if unlike := unlike_lengths(row["length"], chosen):
                keep_apart(row, unlike)


def keep_apart(row: BoardRow, why: str) -> None:
    """Leave a row out of its column, with the reason."""
    row["comparable"] = row["comparable_error"] = None
    row["why_not"] = why


def column_way(rows: Iterable[BoardRow]) -> str | None:
    """How most of a column's rows told right answers; a filter goes before none."""
    ways = Counter(filter(None, map(way_of, rows)))
    return max(ways, key=lambda way: (way in EXTRACTIONS, ways[way], way), default=None)


def choose_shown(rows: Sequence[BoardRow]) -> None:
    """Mark one comparable row for each model and benchmark.

    Two numbers never decide by their size.
    """
    keep_one_metric(rows)
    keep_one_unit(rows)
    groups: dict[tuple[str, str], list[BoardRow]] = defaultdict(list)
    for row in rows:
        row["shown"] = False
        if row["comparable"] is not None:
            groups[row["model"], row["benchmark"]].append(row)
    for group in groups.values():
        first_of(group)["shown"] = True


def first_of(rows: Sequence[BoardRow]) -> BoardRow:
    """Of several rows the one that is shown: by the order of sources, of formats, the newest, the first."""
    order, formats = list(SOURCE_TYPES), list(SOURCE_FORMATS)
    places = [(order.index(row["source_type"]), formats.index(row["source_format"])) for row in rows]
    first = [row for row, place in zip(rows, places, strict=True) if place == min(places)]
    return max(first, key=lambda row: row["date"] or "")
