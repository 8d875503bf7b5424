"""One's own benchmarks on a leaderboard: what their records say of metric, unit and direction is enough.

Takes the rows of records and the mapping; gives the mapping with an entry for each benchmark that it does not know, and
the rows with its key. A benchmark with scores of several metrics or units is shown as several, none is chosen silently.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from parts.board.vocabulary import BoardRow, measure_suffix
from parts.own_vocabulary import RANGES, own_entry
from parts.vocabulary import is_of_raters, metric_key

SAME_SHARES = {"percent": "proportion"}  # units that convert into one another


def measure_of(row: BoardRow) -> tuple[str, str | None, bool]:
    """(metric, unit, whether less is better): what scores must share to be compared."""
    return metric_key(row["metric"] or ""), SAME_SHARES.get(row["unit"], row["unit"]), bool(row["lower_is_better"])


def with_own_benchmarks(rows: Sequence[BoardRow], mapping: Mapping[str, Any]) -> dict[str, Any]:
    """The mapping with the benchmarks that only records name; sets `benchmark` of their rows."""
    extended = dict(mapping)
    groups: dict[str, list[BoardRow]] = defaultdict(list)
    for row in rows:
        key = row["benchmark"] or row["benchmark_name"]
        if key and not is_of_raters(row["metric"]) and (row["benchmark"] not in mapping or mapping[key].get("own")):
            groups[key].append(row)
    for key, own in groups.items():
        entry = mapping.get(key) if (mapping.get(key) or {}).get("own") else None
        measures = {measure_of(row) for row in own}
        for row in own:
            several = len(measures) > 1 and not (entry and entry["metric"])
            row["benchmark"] = key + measure_suffix(row) if several else key
            if entry and entry["metric"] and metric_key(row["metric"] or "") != metric_key(entry["metric"]):
                row["why_not"] = (
                    row["why_not"] or f"{row['metric']} is not the metric that {entry['name']} is ranked by"
                )
                continue
            if mapping.get(row["benchmark"]) is None or entry:
                extended[row["benchmark"]] = completed(entry, row, extended.get(row["benchmark"]))
    return extended


def completed(entry: Mapping[str, Any] | None, row: BoardRow, before: Mapping[str, Any] | None) -> dict[str, Any]:
    """An own benchmark's entry with what its record says and the entry does not."""
    found = dict(before or entry or own_entry(row["benchmark"], {}, row["benchmark"]))
    unit = SAME_SHARES.get(row["unit"], row["unit"])
    if found["unit"] is None and unit is not None:
        found |= {"unit": unit, "range": RANGES.get(unit, [None, None])}
    found["metric"] = found["metric"] or row["metric"]
    if found["lower_is_better"] is None:
        found["lower_is_better"] = bool(row["lower_is_better"])
    return found
