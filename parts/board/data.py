"""The data of a leaderboard on disk: Parquet and metadata.json."""

from __future__ import annotations

import glob
import json
import math
import os
import re
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from parts.board.vocabulary import COLUMNS, SOURCE_TYPES, Benchmarks, BoardRow, answered_by_key, model_of
from parts.fields import COUNT, MAPPING, TEXT, TEXTS, YES_OR_NO, Shape, check_fields, is_texts
from parts.frame import (
    ScriptError,
    command_line_of,
    kept_text,
    listing,
    nearest,
    note,
    put_in_place,
    single_line,
    to_json,
    write_whole,
)
from parts.inputs import MAX_SAMPLES, allowed, check_inflation, input_bytes, open_input, read_json, too_much
from parts.names import KNOWN_BY, REPO_ID
from parts.outgoing import without_secrets
from parts.outputs import OF_OTHERS, refuse_others
from parts.private import MACHINE_PATH, shown_path, without_paths
from parts.seal import remember_own, written_by_others
from parts.vocabulary import normalize_name, read_mapping

DATA_SCHEMA = "1"
MOST_VALUES = 20_000_000  # of a table: half a million scores
LINES_AT_ONCE = 500  # that are written, and searched for tokens
DATA_FILES = ("leaderboard.parquet", "leaderboard.jsonl", "metadata.json")
READ_FILES = ("leaderboard.parquet", "metadata.json")  # by the other commands
NEVER_NULL = ("model", "shown", "source_format")
FLAT = Shape(
    "texts and numbers",
    lambda v: (
        isinstance(v, dict)
        and all(isinstance(one, str | int | float | None) for one in v.values())
        and all(len(one) < 2000 for one in v.values() if isinstance(one, str))
    ),
)
COUNTS = Shape(
    "counts by name", lambda v: isinstance(v, dict) and all(COUNT.fits(v[k]) and COUNT_NAME.fullmatch(k) for k in v)
)
COUNT_NAME = re.compile(r"[a-z_]{1,20}")
LISTED_NAMES = Shape("a list of names", lambda v: is_texts(v) and all(map(LISTED_NAME.fullmatch, v)))
LISTED_NAME = re.compile(r"[^\W_][^,\n]{0,199}")  # no option, and one of a list with commas
ELSEWHERE = ("every_eval_ever", "leaderboard_data")  # data of others that are read as well
# What a collect was asked for, which a Space asks again, and the rest of metadata.json.
ASKED_FIELDS = {
    "trending": COUNT,
    "repo_ids": Shape("a list of OWNER/NAME", lambda v: isinstance(v, list) and all(is_asked_name(name) for name in v)),
    "author": Shape("a user or organization", lambda v: isinstance(v, str) and is_repo_id(f"{v}/x")),
    "results": TEXTS,
    "benchmarks": LISTED_NAMES,
    "primary": LISTED_NAMES,
    "official": YES_OR_NO,
    **dict.fromkeys(ELSEWHERE, Shape("text or false", lambda v: v is False or isinstance(v, str))),
    "no_prs": YES_OR_NO,
}
BOARD_FIELDS = {
    "schema_version": TEXT,
    "collected": Shape(
        "a time in UTC", lambda v: isinstance(v, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", v, re.A)
    ),
    "asked": MAPPING,
    "order": TEXTS,
    "models_read": COUNT,
    "without_scores": TEXTS,
    "private_models": TEXTS,
    "requests": COUNTS,
    "counts": MAPPING,
    "benchmarks": Shape("a list of flat mappings", lambda v: isinstance(v, list) and all(map(FLAT.fits, v))),
    "unreadable": Shape(
        "a list of texts by name",
        lambda v: isinstance(v, list) and all(FLAT.fits(e) and all(isinstance(t, str) for t in e.values()) for e in v),
    ),
    "primary": LISTED_NAMES,
    "official_list": FLAT,
    "apart": FLAT,
    **dict.fromkeys(ELSEWHERE, COUNTS),
}
GIVEN = ("unreadable", "collected", "asked", "requests", "private_models")  # what no row says


def make_metadata(
    rows: Sequence[BoardRow],
    *,
    unreadable: Sequence[dict[str, str]],
    collected: str,
    asked: dict[str, Any],
    models_read: Sequence[str],
    requests: Mapping[str, int],
    private_models: Sequence[str] = (),
    mapping: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What metadata.json says about the rows: when and from what, counts, coverage of each benchmark, what failed."""
    sources, models = Counter(row["source_type"] for row in rows), {model_of(row["model"]) for row in rows}
    return {
        "schema_version": DATA_SCHEMA,
        "collected": collected,
        "asked": asked,
        "order": list(SOURCE_TYPES),
        "models_read": len(models_read),
        "without_scores": sorted(set(models_read) - models),
        "private_models": list(private_models),
        "requests": requests,
        "counts": {
            "rows": len(rows),
            "shown": sum(bool(row["shown"]) for row in rows),
            "apart": sum(row["comparable"] is None for row in rows),
            "models": len(models),
            "sources": {kind: sources[kind] for kind in SOURCE_TYPES},
        },
        "benchmarks": benchmark_coverage(rows, mapping or {}),
        "unreadable": [{name: without_paths(text) for name, text in problem.items()} for problem in unreadable],
    }


def benchmark_coverage(rows: Sequence[BoardRow], mapping: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each benchmark with a shown score, the most covered first: key, name, unit, direction, models, rows."""
    found: dict[str, dict[str, Any]] = {}
    having: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        if (key := row["benchmark"]) is not None:
            if (entry := found.get(key)) is None:
                known = mapping.get(key) or {}
                about = {name: known.get(name) for name in ("category", "chance")}
                about |= {"own_entry": kept_text(known["said"], 1900)} if known.get("said") else {}
                entry = found[key] = {"key": key, "name": row["benchmark_name"], **about, "rows": 0, "models": 0}
            entry["unit"], entry["lower_is_better"] = row["canonical_unit"], bool(row["lower_is_better"])
            entry["rows"] += 1
            if row["shown"]:
                having[key].add(model_of(row["model"]))
                entry["models"] = len(having[key])
    places = {key: (mapping.get(key) or {}).get("order") for key in found}
    order = {key: math.inf if place is None else place for key, place in places.items()}
    answers, said = (
        answered_by_key(rows),
        {key: place for place, key in enumerate(mapping)},
    )  # metrics as the record has them
    return sorted(
        (entry for entry in found.values() if entry["models"]),
        key=lambda e: (order[e["key"]], -e["models"], answers[e["key"]], said.get(e["key"], 0), e["key"]),
    )


def write_data(folder: Path, rows: Iterable[BoardRow], metadata: dict[str, Any]) -> None:
    """The files of a collect, and that they are written here."""
    write_files(folder, rows, metadata)
    for name in READ_FILES:
        remember_own(folder / name)


def of_others(folder: Path) -> bool:
    """Whether a folder's data was not collected by this user here: what it says of its sources is a claim."""
    return bool(written_by_others(folder / name for name in READ_FILES))


def write_files(folder: Path, rows: Iterable[BoardRow], metadata: dict[str, Any]) -> None:
    """leaderboard.jsonl, leaderboard.parquet and metadata.json, each whole or not at all; the last one is new last."""
    refuse_others(folder / "metadata.json", to_json(metadata))
    refuse_other_rows(folder)
    write_whole(folder / "leaderboard.jsonl", told_lines(rows))
    write_table(folder / "leaderboard.jsonl", folder / "leaderboard.parquet")
    write_whole(folder / "metadata.json", to_json(metadata))


def refuse_other_rows(folder: Path) -> None:
    """ScriptError where a file of a board's names has other columns than a board's."""
    import duckdb

    for name, columns_of in (("leaderboard.jsonl", line_columns), ("leaderboard.parquet", table_columns)):
        path = folder / name
        if path.is_symlink() or not path.is_file() or not path.stat().st_size:
            continue  # a link is refused when it is written
        try:
            names = columns_of(path)
        except (ValueError, RecursionError, duckdb.Error):
            names = set()
        if 2 * len(COLUMNS.keys() & names) < len(COLUMNS):
            raise ScriptError(OF_OTHERS.format(path))


def line_columns(lines: Path) -> set[str]:
    """The keys of the first of some JSON lines; ValueError for another file."""
    with open_input(lines) as file:
        first = json.loads(file.readline(1 << 20))
    return set(first) if isinstance(first, dict) else set()


def table_columns(table: Path) -> set[str]:
    """The columns of a Parquet file; duckdb.Error for another file."""
    with new_engine() as engine:
        return set(parquet_table(engine, table).columns)


def write_table(lines: Path, table: Path) -> None:
    """The Parquet file of a file of JSON lines, whole or not at all."""
    import duckdb

    try:
        with tempfile.TemporaryDirectory(dir=table.parent) as own, new_engine() as engine:
            source = engine.read_json(
                pattern_of(lines),
                format="newline_delimited",
                columns=COLUMNS,
                maximum_object_size=2**25,
                hive_partitioning=False,
            )
            source.write_parquet(f"{own}/table", compression="zstd")
            put_in_place(f"{own}/table", table)
    except (duckdb.Error, OSError) as error:
        raise ScriptError(f"{table}: could not be written: {kept_text(error)}") from error


def new_engine(threads: int = 1) -> Any:
    """A DuckDB connection, in memory and with an end to it: it spills nothing into the current folder, or any other."""
    import duckdb

    limits = {"memory_limit": f"{allowed(2048)}MB", "temp_directory": "", "max_temp_directory_size": "0GB"}
    return duckdb.connect(config={"threads": threads, **limits})


def pattern_of(path: Path) -> str:
    r"""A path as DuckDB takes it: this file alone, for its readers take `[ ] * ?` in a name as patterns.

    ScriptError for a name with a backslash before such a sign, which cannot be written.
    """
    name = os.path.abspath(path)
    if re.search(r"\\[][*?]", name):
        raise ScriptError(f"{path}: a backslash before [ ] * or ? in its name: rename it")
    return glob.escape(name)


def parquet_table(engine: Any, path: Path) -> Any:
    """The table in a Parquet file, of its content alone; what a folder is called ("model=x") is no column of it."""
    return engine.read_parquet(pattern_of(path), hive_partitioning=False)


def told_lines(rows: Iterable[BoardRow]) -> Iterator[str]:
    """The text of leaderboard.jsonl, some lines at a time."""
    import orjson

    lines = [orjson.dumps(told_row(row)).decode() for row in rows]
    return ("\n".join([*lines[at : at + LINES_AT_ONCE], ""]) for at in range(0, len(lines), LINES_AT_ONCE))


def is_repo_id(value: Any) -> bool:
    """Whether a value is OWNER/NAME, and no option."""
    return isinstance(value, str) and REPO_ID.fullmatch(value) is not None and not value.startswith("-")


def is_asked_name(value: Any) -> bool:
    """Whether a value is a name that a model was asked for by, and no option."""
    return isinstance(value, str) and KNOWN_BY.fullmatch(value) is not None


def made_again(folder: Path) -> tuple[dict[str, bytes], dict[str, Any], list[str]]:
    """(the files of a folder's data, its metadata, its models): all made again of the rows and texts that are read.

    So nothing goes with them that only lies in the files. ScriptError when metadata.json says otherwise of the rows
    than they do, or more than a collect writes, and when a text has the form of a token.
    """
    engine, metadata = open_data(folder)
    with engine:
        rows = query(engine, "SELECT * FROM scores")
    where = f"{folder}/metadata.json"
    del metadata["collected_here"]  # of this user, and in no file
    check_fields(metadata, BOARD_FIELDS, where)
    check_fields(metadata["asked"], ASKED_FIELDS, f"{where}: asked")
    said = {entry["key"]: {**entry, "order": place} for place, entry in enumerate(metadata["benchmarks"])}
    bare = metadata.get("without_scores") or []
    models = sorted({row["model"] for row in rows}.union(bare))
    try:
        again = make_metadata(rows, **{name: metadata[name] for name in GIVEN}, models_read=bare, mapping=said)
    except (LookupError, TypeError, ValueError) as error:
        raise ScriptError(f"{where} has another form than this version writes; collect again") from error
    if "apart" in metadata:
        again["apart"] = dict(Counter(row["why_not"] for row in rows if row["comparable"] is None))
    again["models_read"] = metadata.get("models_read")
    again["private_models"] = [model for model in again["private_models"] if model in models]
    if other := next((name for name in again if again[name] != metadata.get(name, again[name])), None):
        raise ScriptError(f"{where}: {other} is not what the rows of leaderboard.parquet say; collect again")
    lines, told = "".join(told_lines(rows)), to_json(metadata)
    if without_secrets(text := lines + told) != text:
        raise ScriptError(f"{folder}: a text in it has the form of a token; nothing was sent")
    with tempfile.TemporaryDirectory() as own:
        write_files(Path(own), rows, metadata)
        return {name: input_bytes(Path(own, name), MAX_SAMPLES) for name in DATA_FILES}, metadata, models


def told_row(row: BoardRow) -> BoardRow:
    """A row as it is written: every column, and no folder of this machine in what says something about it."""
    told = {name: row.get(name) for name in COLUMNS}
    for name in ("why_not", "notes"):
        if told[name] and MACHINE_PATH.search(told[name]):
            told[name] = without_paths(told[name])
    return told


def sound_metadata(metadata: Mapping[str, Any]) -> bool:
    """Whether what the other commands read of metadata.json is there."""
    kinds = {"collected": str, "asked": dict, "counts": dict, "benchmarks": list, "unreadable": list}
    if not all(isinstance(metadata.get(name), kind) for name, kind in kinds.items()):
        return False
    if not isinstance(metadata.get("primary") or [], list):
        return False
    named = all(isinstance(entry, dict) and {"key", "name", "unit"} <= set(entry) for entry in metadata["benchmarks"])
    return named and {"rows", "models"} <= set(metadata["counts"])


def open_data(folder: Path, adopt: bool = False) -> tuple[Any, dict[str, Any]]:
    """A DuckDB connection with the table `scores` (in memory; it can reach no file) and the metadata of a folder.

    `collected_here` is added to the metadata: whether this user collected it, or `adopt` takes it for the own.
    ScriptError when a file is missing, damaged or of another schema.
    """
    import duckdb

    if folder.is_file():
        raise ScriptError(
            f"{folder} is a file: the data is the folder that holds metadata.json; is {folder.parent} meant?"
        )
    if not (folder / "metadata.json").is_file():
        other = folder.is_dir() and any(folder.iterdir())  # most likely records
        words = ["--results", folder, "--output-dir", f"{folder}-board"] if other else ["--output-dir", folder]
        raise ScriptError(
            f"{folder}: no metadata.json; run `{command_line_of(['collect', *words])}`, or give --data DIR"
        )
    metadata = read_json(folder / "metadata.json")
    version = metadata.get("schema_version") if isinstance(metadata, dict) else None
    if version != DATA_SCHEMA:
        raise ScriptError(f"{folder}/metadata.json: schema_version is {version!r}, not {DATA_SCHEMA}; collect again")
    if not sound_metadata(metadata):
        raise ScriptError(f"{folder}/metadata.json has another form than this version writes; collect again")
    try:
        to_json(metadata).encode()
    except (UnicodeEncodeError, ValueError) as error:
        raise ScriptError(f"{folder}/metadata.json: {single_line(error)[:200]}; collect again") from error
    open_input(folder / "leaderboard.parquet").close()  # DuckDB would wait for a pipe
    try:
        engine = new_engine(2)
        table = parquet_table(engine, folder / "leaderboard.parquet")
        if dict(zip(table.columns, map(str, table.types), strict=True)) != COLUMNS:
            raise ScriptError(f"{folder}/leaderboard.parquet has other columns than this version writes; collect again")
        check_table(engine, folder / "leaderboard.parquet", [name for name in COLUMNS if COLUMNS[name] == "VARCHAR"])
        table.create("scores")
    except duckdb.Error as error:
        raise ScriptError(f"{folder}/leaderboard.parquet: {kept_text(error)}; collect again") from error
    no_numbers = [f"NOT isfinite({name})" for name, kind in COLUMNS.items() if kind == "DOUBLE"]
    kinds = [f"coalesce(source_type, '') NOT IN {tuple(SOURCE_TYPES)}", *(f"{name} IS NULL" for name in NEVER_NULL)]
    if query(engine, f"SELECT 1 FROM scores WHERE {' OR '.join([*no_numbers, *kinds])} LIMIT 1"):
        raise ScriptError(f"{folder}/leaderboard.parquet has a row that this version does not write; collect again")
    metadata["collected_here"] = adopt or not of_others(folder)
    if not metadata["collected_here"]:
        note(
            f"warning: the data in {shown_path(folder)} was not collected by you here: its scores, where they are from "
            "(verified, own run) and their places are what its files say"
        )
    engine.execute("SET enable_external_access = false")
    engine.execute("SET lock_configuration = true")
    return engine, metadata


def check_table(engine: Any, path: Path, texts: Sequence[str]) -> None:
    """ScriptError for a Parquet file with more values, or longer ones in the columns `texts`, than its size explains.

    DuckDB reads it, and gives the values without the limits of `open_input`; the file says how many there are, and of
    a text that many rows have by its number in a dictionary only the length is taken for each.
    """
    asked = "sum(greatest(num_values, row_group_num_rows)), sum(total_uncompressed_size)"
    ((values, unpacked),) = engine.execute(f"SELECT {asked} FROM parquet_metadata($1)", [pattern_of(path)]).fetchall()
    if (values or 0) > allowed(MOST_VALUES):
        raise too_much(path, f"{values:,} values are more than the {allowed(MOST_VALUES):,} of a table")
    check_inflation(path, max(16 * (values or 0), unpacked or 0), path.stat().st_size)
    if texts:
        lengths = " + ".join(f"coalesce(sum(strlen({quoted(name)})), 0)" for name in texts)
        ((written,),) = parquet_table(engine, path).aggregate(lengths).fetchall()
        check_inflation(path, 16 * (values or 0) + int(written), path.stat().st_size)


def quoted(name: str) -> str:
    """A column's name in SQL."""
    return '"' + name.replace('"', '""') + '"'


def covered_key(text: str, metadata: Mapping[str, Any], flag: str = "--benchmark") -> str:
    """The key of a benchmark with scores; ScriptError: 1 none has one, 2 unknown."""
    names = {normalize_name(name): e["key"] for e in metadata["benchmarks"] for name in (e["name"], e["key"])}
    if key := names.get(normalize_name(text)):
        return key
    have = [entry["key"] for entry in metadata["benchmarks"]]
    known = Benchmarks.of(read_mapping()).by_name(text)
    if known in have:
        return known
    if known:
        raise ScriptError(f"no model has a comparable score on {known}; there are: {listing(have, 20)}", code=1)
    holding = [key for key in have if (folded := normalize_name(text)) and folded in normalize_name(key)][:3]
    near = nearest(text, have) or (f" (did you mean {', '.join(map(repr, holding))}?)" if holding else "")
    raise ScriptError(f"{flag}: {single_line(text)!r} is not known{near or '; `show` lists all'}")


def query(engine: Any, sql: str, parameters: Sequence[Any] = ()) -> list[BoardRow]:
    """The rows of a query as dicts."""
    answer = engine.execute(sql, list(parameters))
    names = [column[0] for column in answer.description]
    return [dict(zip(names, values, strict=True)) for values in answer.fetchall()]
