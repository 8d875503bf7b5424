"""A selection (YAML): which column or row of which table is the model, as a person or an agent said after a look.

Takes the text of a selection file, gives Picks by table; ScriptError names the place that cannot be used.

    model: acme/Foo-7B
    card_sha256: 9f86d08…          # of the card that was looked at; then a label may be left out
    readings:
    - {table: 2, column: 3, label: "Foo (ours)", leave_out: [7], notes: Thinking}
    - {table: 4, row: "Foo", columns: [2, 3], metric: wer, unit: percent, benchmark: {2: LibriSpeech clean}}
    - {table: 5, leave_out: all}   # this model is not in it

`readings: []` says that it is in none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from parts.cards.scores import Pick
from parts.frame import ScriptError, nearest
from parts.yaml_tree import YamlNode, load_yaml

MAX_SELECTION = 1_000_000  # characters
READING_KEYS = (
    "table", "column", "row", "label", "rows", "columns", "leave_out", "benchmark", "notes", "metric", "shots", "unit",
    "first_number",
)  # fmt: skip
UNITS = ("percent", "proportion", "points")


def read_selection(text: str, name: str, repo_id: str, hashes: Sequence[str], tables: int) -> dict[int, list[Pick]]:
    """The picks of a selection by table, checked against the model and the card that are read now."""
    if len(text) > MAX_SELECTION:
        raise ScriptError(f"{name} has {len(text):,} characters; a selection has at most {MAX_SELECTION:,}")
    data, root = load_yaml(text, name)
    if has_alias(root):
        raise ScriptError(f"{name}: a selection has no aliases (*name)")
    if isinstance(data, list):
        data = {"readings": data}
    if not isinstance(data, dict) or not isinstance(data.get("readings"), list):
        raise ScriptError(f"{name} has no list `readings`; inspect-tables --draft prints one to edit")
    for key in data:
        if key not in ("model", "card_sha256", "readings"):
            raise ScriptError(f"{name} has an unknown key {key!r}; known: model, card_sha256, readings")
    if data.get("model") not in (None, repo_id):
        raise ScriptError(f"{name} is for {data['model']}, not for {repo_id}")
    if data.get("card_sha256") not in (None, *hashes):
        raise ScriptError(f"{name} was made for another state of the card; look again: inspect-tables --draft")
    if not data["readings"]:
        return {table: [Pick(table, nothing=True)] for table in range(1, tables + 1)}
    picks: dict[int, list[Pick]] = {}
    for number, entry in enumerate(data["readings"], 1):
        pick = read_pick(entry, f"{name}, reading {number}", bool(data.get("card_sha256")), tables)
        picks.setdefault(pick.table, []).append(pick)
    for table, readings in picks.items():
        if len(readings) > 1 and any(pick.nothing for pick in readings):
            raise ScriptError(f"{name}: table {table} is read and left out (leave_out: all); keep one of the two")
    return picks


def has_alias(node: YamlNode | None) -> bool:
    return node is not None and (node.kind == "alias" or any(map(has_alias, node.items)))


def read_pick(entry: Any, where: str, hashed: bool, tables: int) -> Pick:
    """One reading of a selection."""
    if not isinstance(entry, dict):
        raise ScriptError(f"{where} is no mapping such as {{table: 2, column: 3, label: Foo}}")
    for key in entry:
        if key not in READING_KEYS:
            raise ScriptError(f"{where} has an unknown key {str(key)[:40]!r}{nearest(str(key), READING_KEYS)}")
    table = entry.get("table")
    if not is_index(table) or not 1 <= table <= tables:
        raise ScriptError(f"{where}: table must be a number from 1 to {tables}")
    if entry.get("leave_out") == "all":
        if more := [key for key in entry if key not in ("table", "leave_out", "label")]:
            raise ScriptError(f"{where}: leave_out: all takes nothing of table {table}; leave {', '.join(more)} out")
        return Pick(table, nothing=True)
    axes = [axis for axis in ("column", "row") if axis in entry]
    if len(axes) != 1:
        raise ScriptError(f"{where} needs one of column and row")
    place, label = entry[axes[0]], entry.get("label")
    if isinstance(place, str):
        place, label = None, label or place
    elif not is_index(place):
        raise ScriptError(f"{where}: {axes[0]} must be an index from 0, or a label")
    elif label is None and not hashed:
        raise ScriptError(f"{where}: give the label that stands there, too (or card_sha256 for the whole file)")
    told = {name: given_text(entry.get(name), f"{where}: {name}") for name in ("notes", "metric", "shots", "unit")}
    if told["unit"] not in (None, *UNITS):
        raise ScriptError(f"{where}: unit must be one of {', '.join(UNITS)}")
    other = "columns" if axes[0] == "column" else "rows"
    if other in entry:
        raise ScriptError(f"{where}: of a {axes[0]} only {'rows' if other == 'columns' else 'columns'} can be chosen")
    if not isinstance(entry.get("first_number", False), bool):
        raise ScriptError(f"{where}: first_number is true or false")
    return Pick(
        table, axes[0], place, label if label == "" else given_text(label, f"{where}: label"),  # "": it has none
        only=given_places(entry.get("rows" if axes[0] == "column" else "columns"), where),
        leave_out=given_places(entry.get("leave_out"), where), names=given_names(entry.get("benchmark"), where),
        first=bool(entry.get("first_number")), entry=entry, **told,
    )  # fmt: skip


def is_index(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def given_text(value: Any, where: str) -> str | None:
    if isinstance(value, str) and value and not any(map(str.isalnum, value)):
        raise ScriptError(f"{where}: write the names in place of {value!r}")
    if value is None or (isinstance(value, str) and 0 < len(value) <= 400):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise ScriptError(f"{where} must be a text")


def given_places(value: Any, where: str) -> tuple[int | str, ...]:
    values = value if isinstance(value, list) else [] if value is None else [value]
    if not all(is_index(item) or isinstance(item, str) for item in values):
        raise ScriptError(f"{where}: rows, columns and leave_out are lists of indexes or labels")
    return tuple(values)


def given_names(value: Any, where: str) -> tuple[tuple[int | str, tuple[str, ...]], ...]:
    """Names by index or label; a list of names for a cell that has several values."""
    if value is None:
        return ()
    if not isinstance(value, Mapping):
        raise ScriptError(f"{where}: benchmark is a mapping of indexes or labels to names, such as {{3: MMLU}}")
    found = []
    for place, names in value.items():
        texts = [given_text(name, f"{where}: benchmark") for name in (names if isinstance(names, list) else [names])]
        if not (is_index(place) or isinstance(place, str)) or None in texts:
            raise ScriptError(f"{where}: benchmark is a mapping of indexes or labels to names, such as {{3: MMLU}}")
        found.append((place, tuple(texts)))
    return tuple(found)
