"""What has changed between two collects of a board: models, numbers, what they rest on, and who leads for certain.

Takes both boards as `show` has them, with what is set apart; gives a document of lists. A number is the one that tables
show for a model and benchmark; of a model with several states that of the last. Two numbers are compared where they
were measured alike: where the shown ones were not, by another one of the earlier or the later board that was.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from parts.board.overall import BoardOrder, apart_text, board_order, chosen_primary, unlike_now
from parts.board.ranks import display_score
from parts.board.units import OTHER_COLUMN, column_way, converted, first_of
from parts.board.vocabulary import SOURCE_TYPES, BoardRow, count_models, model_of
from parts.frame import listing, natural_key, plural

KEPT = ("model", "comparable", "canonical_unit", "standard_error", "n", "source_type", "source_url", "date")
CHANGES = {  # in the document, and for people
    "metrics": "the column is in another metric",
    "leaders": "leads for certain (of those measured)",
    "leaders_unlike": "leads by the numbers, not measured alike",
    "leaders_lost": "no longer leads for certain (of those measured)",
    "new_models": "new model",
    "gone_models": "gone model",
    "models_apart": "no number to show, all set apart",
    "changed": "another number",
    "otherwise": "measured otherwise, no change is known",
    "new": "new number",
    "apart": "number set apart now",
    "gone": "gone number",
}
OPEN_CHANGES = ("leaders_unlike", "otherwise")
BoardSpot = tuple[str, str]  # model and benchmark


@dataclass(frozen=True)
class Board:
    """A board's rows, the shown ones and all others, with its metadata."""

    rows: Sequence[BoardRow]
    metadata: Mapping[str, Any]
    apart: Mapping[BoardSpot, str]  # that was measured and has no number to compare -> "acme/a, GSM8K: why"

    @cached_property
    def shown(self) -> list[BoardRow]:
        return [row for row in self.rows if row["shown"]]

    @cached_property
    def models(self) -> set[str]:
        return {model_of(row["model"]) for row in self.rows}

    @cached_property
    def by_place(self) -> dict[BoardSpot, list[BoardRow]]:
        """All rows of each place."""
        found: dict[BoardSpot, list[BoardRow]] = defaultdict(list)
        for row in self.rows:
            found[model_of(row["model"]), row["benchmark"]].append(row)
        return found

    @cached_property
    def numbers(self) -> dict[BoardSpot, BoardRow]:
        """The number of each place; of several states the last one's."""
        shown = {place: [row for row in rows if row["shown"]] for place, rows in self.by_place.items()}
        return {place: first_of(rows) for place, rows in shown.items() if rows}

    @cached_property
    def columns(self) -> dict[str, list[BoardRow]]:
        found: dict[str, list[BoardRow]] = defaultdict(list)
        for row in self.shown:
            found[row["benchmark"]].append(row)
        return found

    @cached_property
    def orders(self) -> dict[str, BoardOrder]:
        """The order by each benchmark."""
        return {key: self.order([key]) for key in sorted(self.columns)}

    @cached_property
    def overall(self) -> BoardOrder | None:
        """The order by the average; None where nothing is shown."""
        primary = chosen_primary([], self.metadata, self.shown)
        return self.order(primary) if primary else None

    def conclusion(self, order: BoardOrder) -> str:
        """What an order says, and who has no place in it although measured."""
        apart = [text for (_, key), text in self.apart.items() if key in order.names]
        return order.text + (f" Of the others, {apart_text(apart)}." if apart else "")

    def order(self, keys: Sequence[str]) -> BoardOrder:
        rows = [row for key in keys for row in self.columns[key]]
        return board_order(rows, keys, self.metadata["benchmarks"], count_models(self.models))

    def leading(self, key: str, model: str) -> BoardRow | None:
        """The number of a model in a column: of its state that leads there, else of the last one."""
        order = self.orders.get(key)
        own = [row for row in self.columns.get(key, ()) if order and row["model"] == order.first]
        return first_of(own) if own and model_of(order.first) == model else self.numbers.get((model, key))

    def like(self, other: BoardRow, place: BoardSpot) -> BoardRow | None:
        """A number of a place that was measured like another one, shown or not."""
        found = [
            usable for row in self.by_place[place] if (usable := in_its_column(row)) and not unlike_now(usable, other)
        ]
        return first_of(found) if found else None


def in_its_column(row: BoardRow) -> BoardRow | None:
    """A row with its comparable value, also where only the metric of the column keeps it apart; else None."""
    if row["comparable"] is None and OTHER_COLUMN in (row["why_not"] or ""):
        row = row | {"comparable": converted(row["value"], row["unit"], row["canonical_unit"])}
    return row if row["comparable"] is not None else None


def number_of(row: BoardRow | None) -> dict[str, Any] | None:
    """What is told of a number; None when there is none."""
    return None if row is None else {name: row[name] for name in KEPT}


def is_changed(before: BoardRow, now: BoardRow) -> bool:
    """Whether the value is another one; a new source of the same value changes nothing."""
    alike = before["canonical_unit"] == now["canonical_unit"]
    return not alike or abs(before["comparable"] - now["comparable"]) > 1e-9 * max(1.0, abs(now["comparable"]))


def board_changes(old: Board, new: Board) -> dict[str, list[dict[str, Any]]]:
    """The changes by kind (see CHANGES): each with `model`, and of a number `benchmark`, `name`, `before` and `now`.

    The numbers of a model that is new, gone or all set apart are not listed once more.
    """
    found: dict[str, list[dict[str, Any]]] = {kind: [] for kind in CHANGES}
    for key in sorted(old.columns.keys() & new.columns.keys()):
        ways = [column_way(board.columns[key]) for board in (old, new)]
        if None not in ways and ways[0] != ways[1]:
            name = new.columns[key][0]["benchmark_name"]
            found["metrics"].append({"benchmark": key, "name": name, "before": ways[0], "now": ways[1]})
    told = add_models(found, old, new)
    for place in sorted(old.numbers.keys() | new.numbers.keys(), key=lambda at: (natural_key(at[0]), at[1])):
        if place[0] not in told and (change := change_of_number(place, old, new)):
            found[change[0]].append(change[1])
    add_leaders(found, old, new)
    return found


def add_models(found: dict[str, list[dict[str, Any]]], old: Board, new: Board) -> set[str]:
    """Add the models that are new, gone or without a number now, and give them."""
    was, has = ({model for model, _ in board.numbers} for board in (old, new))
    kinds = {"new_models": (has - old.models, new), "gone_models": (old.models - new.models, old)}
    kinds["models_apart"] = (((was | (new.models - old.models)) & new.models) - has, old)
    for kind, (models, board) in kinds.items():
        for model in sorted(models, key=natural_key):
            item: dict[str, Any] = {"model": model, "numbers": sum(one == model for one, _ in board.numbers)}
            if kind == "models_apart":
                why = dict.fromkeys(row["why_not"] for row in new.rows if model_of(row["model"]) == model)
                item["why"] = listing(filter(None, why), 2)
            found[kind].append(item)
    return {model for models, _ in kinds.values() for model in models}


def change_of_number(place: BoardSpot, old: Board, new: Board) -> tuple[str, dict[str, Any]] | None:
    """(kind, what is told) of a number that is another one, new, or gone; None where it is none of these."""
    before, now = old.numbers.get(place), new.numbers.get(place)
    if before is None:
        return "new", number_change(place, None, now)
    if now is None:
        why = next((row["why_not"] for row in new.by_place.get(place, ()) if row["why_not"]), None)
        return ("apart" if why else "gone"), number_change(place, before, None) | ({"why": why} if why else {})
    if not is_changed(before, now):
        return None
    if how := unlike_now(before, now):
        if like := old.like(now, place):
            before = like
        elif like := new.like(before, place):
            now = like
        else:
            return "otherwise", number_change(place, before, now) | {"why": how}
    if not is_changed(before, now):
        return None
    revision = other_revision(before, now)
    return "changed", number_change(place, before, now) | ({"why": revision} if revision else {})


def other_revision(before: BoardRow, now: BoardRow) -> str:
    """Which commit of the model a number was measured at, where the other one was at another: "aaaaaaa before, …"."""
    was, is_now = (row["revision"] for row in (before, now))
    both = was and is_now and was != is_now
    return f"another revision: {was[:12]} before, {is_now[:12]} now" if both else ""


def add_leaders(found: dict[str, list[dict[str, Any]]], old: Board, new: Board) -> None:
    """Add who leads a benchmark, and who no longer does; for certain, or by numbers that were not measured alike."""
    leads, led = ({key: (model_of(order.leader), order) for key, order in board.orders.items()} for board in (new, old))
    nobody = ("", None)
    for kind, here, there in (("leaders", leads, led), ("leaders_lost", led, leads)):
        for key, (model, order) in here.items():
            other, beside = there.get(key, nobody)
            sure = other if beside and beside.certain else None
            if not model or (model == sure if order.certain else kind == "leaders_lost" or model == other):
                continue
            item = number_change((model, key), *(board.leading(key, model) for board in (old, new)))
            item |= {"instead": (sure if order.certain else other) or None}
            unlike = order.unlike if kind == "leaders" else beside.unlike if beside and model == other else ""
            open_now = kind == "leaders_lost" and beside and model_of(beside.first) == model
            told = [unlike or (beside.certainty if open_now else ""), *lost_rivals(key, old, new)]
            why = "; ".join(filter(None, told))
            found[kind if order.certain else "leaders_unlike"].append(item | ({"why": why} if why else {}))


def lost_rivals(key: str, old: Board, new: Board) -> list[str]:
    """Who had a number for a benchmark and is set apart now, with why."""
    return [text for (model, at), text in new.apart.items() if at == key and (model_of(model), key) in old.numbers]


def overall_change(old: Board, new: Board) -> dict[str, Any] | None:
    """What the overall orders say, where another model leads, it is certain or no longer, or the average is of other
    benchmarks or metrics; None where all of it is as it was."""
    boards = [board.overall for board in (old, new)]
    told = [
        one
        and (
            model_of(one.standings[0].model),
            one.certain,
            [(k, column_way(board.columns[k])) for k in sorted(one.names)],
        )
        for board, one in zip((old, new), boards, strict=True)
    ]
    if told[0] == told[1]:
        return None
    names = ("before", "now")
    found = {
        name: one and {"primary": list(one.names), "certain": one.certain, "conclusion": board.conclusion(one)}
        for name, one, board in zip(names, boards, (old, new), strict=True)
    }
    return found | {"same_basis": None not in told and told[0][2] == told[1][2]}


def number_change(place: BoardSpot, before: BoardRow | None, now: BoardRow | None) -> dict[str, Any]:
    model, key = place
    name = (now or before or {}).get("benchmark_name", key)
    return {"model": model, "benchmark": key, "name": name, "before": number_of(before), "now": number_of(now)}


def change_line(kind: str, item: Mapping[str, Any]) -> tuple[str, ...]:
    """A change as a line for people: what, model, benchmark, before, now, source of what is now, why."""
    why = item.get("why") or ""
    if kind == "metrics":
        return (CHANGES[kind], "", item["name"], item["before"], item["now"], "", "")
    if "numbers" in item:
        count = plural(item["numbers"], "number") if item["numbers"] else ""
        return (CHANGES[kind], item["model"], count, "", "", "", why)
    scores = [
        display_score(one["comparable"], one["canonical_unit"]) if one else "–" for one in (item["before"], item["now"])
    ]
    source = SOURCE_TYPES.get((item["now"] or item["before"] or {}).get("source_type"), "")
    other = item.get("instead")
    text = CHANGES[kind] + (f", {'now' if kind == 'leaders_lost' else 'before'} {other}" if other else "")
    return (text, item["model"], item["name"], *scores, source, why)


def undecided_text(changes: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Why it cannot be told what has changed, with what to do; empty where it can."""
    counts: Iterable[str] = (f"{len(changes[kind])} × {CHANGES[kind]}" for kind in OPEN_CHANGES if changes[kind])
    return f"{text}: measure them as before and alike, and collect again" if (text := listing(counts)) else ""
