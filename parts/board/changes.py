"""What has changed between two collects of a board: models, numbers, and who leads a benchmark for certain.

Takes the shown rows of both; gives a document of lists. A number is the one that tables show for a model and benchmark.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from parts.board.ranks import display_score, rank_ranges
from parts.board.vocabulary import SOURCE_TYPES, BoardRow
from parts.frame import natural_key

KEPT = ("comparable", "canonical_unit", "standard_error", "n", "source_type", "source_url", "date")
CHANGES = {  # in the document, and for people
    "leaders": "leads for certain (of those measured)",
    "leaders_lost": "no longer leads for certain (of those measured)",
    "new_models": "new model",
    "gone_models": "gone model",
    "changed": "another number",
    "new": "new number",
    "gone": "gone number",
}


def certain_leaders(rows: Iterable[BoardRow]) -> dict[str, str]:
    """Benchmark -> the model that is shown better than all others, where one is."""
    boards: dict[str, list[BoardRow]] = defaultdict(list)
    for row in rows:
        boards[row["benchmark"]].append(row)
    found = {}
    for key, board in boards.items():
        first = [model for model, rank in rank_ranges(board).items() if rank.low == rank.high == 1]
        found |= {key: first[0]} if first and len(board) > 1 else {}
    return found


def number_of(row: BoardRow | None) -> dict[str, Any] | None:
    """What is told of a number; None when there is none."""
    return None if row is None else {name: row[name] for name in KEPT}


def is_changed(before: BoardRow, now: BoardRow) -> bool:
    """Whether the value is another one; a new source of the same value changes nothing."""
    alike = before["canonical_unit"] == now["canonical_unit"]
    return not alike or abs(before["comparable"] - now["comparable"]) > 1e-9 * max(1.0, abs(now["comparable"]))


def board_changes(before: Sequence[BoardRow], now: Sequence[BoardRow]) -> dict[str, list[dict[str, Any]]]:
    """The changes by kind (see CHANGES): each with `model`, and of a number `benchmark`, `name`, `before` and `now`.

    The numbers of a model that is new, or gone, are not listed once more.
    """
    old, new = ({(row["model"], row["benchmark"]): row for row in rows} for rows in (before, now))
    was, has = ({row["model"] for row in rows} for rows in (before, now))
    found: dict[str, list[dict[str, Any]]] = {kind: [] for kind in CHANGES}
    for kind, models, numbers in (("new_models", has - was, new), ("gone_models", was - has, old)):
        counts: dict[str, int] = defaultdict(int)
        for model, _ in numbers:
            counts[model] += 1
        found[kind] = [{"model": model, "numbers": counts[model]} for model in sorted(models, key=natural_key)]
    for model, key in sorted(old.keys() | new.keys(), key=lambda place: (natural_key(place[0]), place[1])):
        first, last = old.get((model, key)), new.get((model, key))
        if model not in was & has or (first and last and not is_changed(first, last)):
            continue
        kind = "new" if first is None else "gone" if last is None else "changed"
        found[kind].append(number_change(model, key, first, last))
    leaders, led = certain_leaders(now), certain_leaders(before)
    for kind, here, there in (("leaders", leaders, led), ("leaders_lost", led, leaders)):
        for key in sorted(here):
            if there.get(key) != here[key]:
                place = (here[key], key)
                found[kind].append(number_change(*place, old.get(place), new.get(place)) | {"instead": there.get(key)})
    return found


def number_change(model: str, key: str, before: BoardRow | None, now: BoardRow | None) -> dict[str, Any]:
    name = (now or before or {})["benchmark_name"]
    return {"model": model, "benchmark": key, "name": name, "before": number_of(before), "now": number_of(now)}


def change_line(kind: str, item: Mapping[str, Any]) -> tuple[str, ...]:
    """A change as a line for people: what, model, benchmark, before, now, source of what is now."""
    if kind.endswith("_models"):
        return (CHANGES[kind], item["model"], f"{item['numbers']} numbers", "", "", "")
    scores = [
        display_score(one["comparable"], one["canonical_unit"]) if one else "–" for one in (item["before"], item["now"])
    ]
    source = SOURCE_TYPES.get((item["now"] or item["before"] or {}).get("source_type"), "")
    other = item.get("instead")
    text = CHANGES[kind] + (f", {'before' if kind == 'leaders' else 'now'} {other}" if other else "")
    return (text, item["model"], item["name"], *scores, source)
