"""Benchmarks of one's own: entries added to metric_mapping.json, for every script that reads it.

Takes the command line's --mapping FILE and metric_mapping.json beside the records that it names; gives the vocabulary
with their entries. An entry says what its owner knows of a benchmark: name, aliases, metric, unit, range, direction,
chance, items, category, place in tables (order), and its names in the harnesses; what it does not say, the records do.
An entry may add a benchmark and never change one: what mmlu is, no folder of results can say anew. And a file beside
some of the records says nothing about the others: it is read when it stands beside all of them, or is named.
"""

from __future__ import annotations

import argparse
import difflib
import itertools
import math
import re
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from parts.fields import COUNT, TEXT, TEXTS, YES_OR_NO, Shape, check_fields, choice_shape, number_shape
from parts.frame import ScriptError, command_line_of, is_number, near_place, note
from parts.inputs import input_bytes, is_input, read_json
from parts.private import shown_path
from parts.vocabulary import (
    MAPPING_FILE,
    STEP_FORMULAS,
    MetricMapping,
    bare_task,
    normalize_name,
    read_mapping,
    vocabulary_of,
)

MOST_ENTRIES = 2_000
MOST_SAID = 50  # entries of a file that are said before any is used
SAID_AT_ONCE = 1_500  # characters, of one line
HARNESS_NAMES = ("lighteval", "inspect", "lm_eval", "helm")
# Options that name records, the first of these kinds that there is; metric_mapping.json is looked for beside them.
RECORD_OPTIONS = (("results", "baseline", "candidate"), ("checkpoints",), ("aa",))
SHORT_TEXT = Shape(
    "printable text of 1 to 100 characters",
    lambda value: isinstance(value, str) and value.isprintable() and 0 < len(value.strip()) <= 100,
)
OWN_FIELDS: dict[str, Shape] = {
    "kind": choice_shape("benchmark"),
    "name": SHORT_TEXT,
    "aliases": TEXTS,
    "category": SHORT_TEXT,
    "group": TEXT,
    "metric": SHORT_TEXT,
    "unit": SHORT_TEXT,
    "range": Shape(
        "two numbers, the lowest and the highest score (null: none)",
        lambda v: isinstance(v, list) and len(v) == 2 and all(end is None or is_number(end) for end in v),
    ),
    "lower_is_better": YES_OR_NO,
    "chance": number_shape(0, math.inf),
    "items": COUNT,
    "order": number_shape(-1e9, 1e9),
    **dict.fromkeys(HARNESS_NAMES, SHORT_TEXT),
}
RANGES = {"proportion": [0, 1], "percent": [0, 100]}


def own_entry(key: str, given: Mapping[str, Any], where: str) -> dict[str, Any]:
    """A whole entry of metric_mapping.json from what is said of an own benchmark; null where nothing is said."""
    check_fields(given, OWN_FIELDS, where)
    said = {name: value for name, value in given.items() if value is not None}
    low, high = said.get("range") or RANGES.get(said.get("unit"), [None, None])
    if "chance" in said and "unit" not in said:
        raise ScriptError(
            f"{where}: chance is {said['chance']:g}; say in which unit, as the scores are: unit: proportion"
        )
    chance = said.get("chance", low)
    if chance is not None and ((low is not None and chance < low) or (high is not None and chance > high)):
        raise ScriptError(f"{where}: chance is {chance:g}, outside the range of a score")
    if "category" in said:
        said["category"] = own_category(said["category"], where)
    fields = ("category", "group", "metric", "unit", "chance", "items", "order", *HARNESS_NAMES, "artificial_analysis")
    return {
        "kind": "benchmark",
        "name": said.get("name", key),
        "aliases": said.get("aliases", []),
        "range": [low, high],
        "lower_is_better": said.get("lower_is_better"),
        "hub": None,
        "model_index": None,
        "own": True,
        **{name: said.get(name) for name in fields},
    }


def own_category(text: str, where: str) -> str:
    """One of the fifteen categories by its usual spellings, or a category of one's own; ScriptError for a near miss."""
    slug = re.sub(r"\W+", "_", text.strip().lower()).strip("_") or "own"
    near = difflib.get_close_matches(slug, STEP_FORMULAS, 1, 0.9)
    if near and normalize_name(near[0]) != normalize_name(slug):
        raise ScriptError(f"{where}: no category {text!r} (did you mean {near[0]}?)")
    return near[0] if near else slug


def with_own_entries(mapping: Mapping[str, Any], content: Any, where: str) -> dict[str, Any]:
    """The mapping with the entries of another file; ScriptError where one is another benchmark's, or damaged."""
    if not isinstance(content, dict) or not all(isinstance(entry, dict) for entry in content.values()):
        raise ScriptError(f'{where}: {{"my_quiz": {{"name": "My quiz", "metric": "accuracy", ...}}}} is expected')
    if len(content) > MOST_ENTRIES:
        raise ScriptError(f"{where}: {len(content)} entries; at most {MOST_ENTRIES} are read")
    known = vocabulary_of(mapping)
    taken = dict(known.names)
    merged = dict(mapping)
    for key, given in content.items():
        if mapping.get(key) == given:  # a copy of what is known
            continue
        if not SHORT_TEXT.fits(key):
            raise ScriptError(f"{where}: {key[:40]!r} is no name of a benchmark")
        entry = own_entry(key, given, f"{where}: {key}")
        tasks = [entry[harness] for harness in HARNESS_NAMES if entry[harness]]
        for name in (key, entry["name"], *entry["aliases"], *tasks):
            other = taken.setdefault(normalize_name(bare_task(name)), known_task(known, name) or key)
            if other != key or key in mapping:
                raise ScriptError(
                    f"{where}: {key}: {name!r} is {other} already; a file of one's own adds benchmarks: another name"
                )
        merged[key] = entry
    return merged


def known_task(known: MetricMapping, name: str) -> str | None:
    """The benchmark that a name, or a task so called in any harness, is already; None for a new one."""
    found = (known.find_task(name, harness) for harness in HARNESS_NAMES)
    return next((key for key, _ in filter(None, found)), None)


def mapping_files(given: Iterable[Path], places: Iterable[Path]) -> list[Path]:
    """The files with own entries: those of --mapping, and metric_mapping.json beside all the records; each once.

    ScriptError (3) for one that stands beside some of the records only: it may have come with them.
    """
    found: dict[bytes, Path] = {}
    for path in given:
        if not path.is_file():
            raise ScriptError(f"--mapping {path}: no such file{near_place(path)}")
        found[input_bytes(path)] = path
    folders = dict.fromkeys(place if place.is_dir() else place.parent for place in places)
    beside = []
    for folder in folders:
        paths = (folder / MAPPING_FILE.name, folder / "results" / MAPPING_FILE.name)
        beside.append({input_bytes(path): path for path in paths if is_input(path) and path.resolve() != MAPPING_FILE})
    for content, path in itertools.chain(*(files.items() for files in beside)):
        if content not in found and any(content not in files for files in beside):
            raise ScriptError(
                f"{path} stands beside some of the records only, and would say of all what their benchmarks are: if it "
                f"is yours, {command_line_of(['--mapping', path])}, else move it away",
                code=3,
            )
        found.setdefault(content, path)
    return list(found.values())


def told_entry(entry: Mapping[str, Any]) -> str:
    """All that an own benchmark's entry decides: "metric f1, unit percent, less is better, also called their_quiz"."""
    said = [f"{name} {entry[name]}" for name in ("metric", "unit", "chance", "items") if entry.get(name) is not None]
    if entry["range"] not in ([None, None], RANGES.get(entry["unit"])):
        said.append("range " + " to ".join("open" if end is None else f"{end:g}" for end in entry["range"]))
    if entry["lower_is_better"] is not None:
        said.append("less is better" if entry["lower_is_better"] else "more is better")
    said += [f"{name} {entry[name]}" for name in ("category", "group", "order") if entry.get(name) is not None]
    said += [f"also called {', '.join(entry['aliases'])}"] if entry["aliases"] else []
    return ", ".join([*said, *(f"in {name}: {entry[name]}" for name in HARNESS_NAMES if entry[name])])


def say_entries(where: str, told: Iterable[str]) -> None:
    """Say what own entries decide, whole: in several lines where one would be cut."""
    for line in textwrap.wrap("; ".join(told), SAID_AT_ONCE) or [""]:
        note(f"note: {where}{': ' if line else ''}{line}")


def own_entries(entries: Mapping[str, Mapping[str, Any]], keys: Iterable[str | None]) -> list[str]:
    """What files with own entries say of the benchmarks of an answer (their keys), for its report: it decides there."""
    found = ((key, (entries.get(key) or {}).get("said")) for key in sorted({*keys} - {None}))
    return [f"{key} is a benchmark of one's own: {said}" for key, said in found if said]


def asked_mapping(args: argparse.Namespace) -> dict[str, Any]:
    """metric_mapping.json with the entries that a command line adds to it, said on stderr."""
    places: list[Path] = []
    for options in RECORD_OPTIONS:
        for value in (getattr(args, option, None) for option in options):
            places += map(Path, [value] if isinstance(value, str | Path) else value or ())
        if places := [place for place in places if place.exists()]:
            break
    mapping: dict[str, Any] = read_mapping()
    for path in mapping_files(map(Path, getattr(args, "mapping", None) or ()), places):
        merged = with_own_entries(mapping, read_json(path), str(path))
        new = sorted(set(merged) - set(mapping))
        told = {key: told_entry(merged[key]) for key in new}
        lines = [f"{key} ({said})" if said else key for key, said in told.items()]
        if (more := len(lines) - MOST_SAID) > 0:
            lines[MOST_SAID:] = [f"and {more} more: those that decide something are said with the answer"]
        say_entries(f"benchmarks of {path}, {len(new) or 'none that is'} new", lines)
        mapping = merged
        for key, said in told.items():
            mapping[key] |= {"said": f"{said or 'a name'} (says {shown_path(path)})"}
    return mapping


def read_vocabulary(args: argparse.Namespace | None = None) -> MetricMapping:
    """metric_mapping.json, which stands beside the scripts folder, with what a command line adds to it."""
    if not MAPPING_FILE.is_file():
        raise ScriptError(
            f"{MAPPING_FILE.name} is missing; it belongs beside the folder scripts/ (clone the whole project)"
        )
    return vocabulary_of(asked_mapping(args or argparse.Namespace()))


def add_mapping_option(add: Any) -> None:
    """--mapping, the same in every script."""
    add(
        "--mapping",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="benchmarks of your own: entries as in metric_mapping.json (also read beside the records)",
    )
