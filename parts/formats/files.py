"""JSON, JSON lines, Parquet and inspect's archives, read with limits."""

from __future__ import annotations

import contextlib
import io
import math
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from parts.formats.values import rows_of
from parts.formats.vocabulary import MAX_JSON
from parts.frame import ScriptError, single_line
from parts.inputs import (
    MOST_OF_LINE,
    allowed,
    bytes_text,
    input_bytes,
    input_text,
    strict_json,
    strict_json_line,
    too_much,
)
from parts.parquet import parquet_batches
from parts.records.files import open_result, refuse_out
from parts.yaml_tree import MAX_YAML, load_yaml

MAX_LINE = 1 << 28  # one line of a samples file, one sample of a log
BLOCK_OF_LINES = 1 << 16  # bytes of such a file whose lines are looked at together: few enough for a cache
MOST_OF_FIRST_LINES = 1 << 20  # bytes of a line that tells that a .json file is JSON lines
SPAN = 1 << 24  # bytes of a JSON-lines file that one process reads at a time
MAX_DIRECTORY = 1 << 25  # bytes of the index of a zip archive, which takes ten times that in memory
MAX_INFLATION = 400  # what a zip archive holds, relative to its own size (beyond 256 MiB)


def json_value(data: bytes) -> Any:
    """A JSON value, with the NaN and Infinity that Python writes; ValueError when it is none."""
    try:
        return strict_json(data)
    except ValueError as error:
        raise ValueError(f"not valid JSON (cut off?): {single_line(error)[:200]}") from error


def object_beside(path: Path) -> dict[str, Any]:
    """The JSON object of a file beside a result; {} where there is none, or none that can be read."""
    with contextlib.suppress(ValueError):
        value = json_value(read_bounded(path)) if path.is_file() else None
        return value if isinstance(value, dict) else {}
    return {}


def first_of_lines(data: bytes) -> Any:
    """The first of JSON lines (one or more) in a file that is called .json; None for one value over several lines, and
    where the second line is no value."""
    lines = data.split(b"\n", 2)[:2]
    if max(map(len, lines)) > MOST_OF_FIRST_LINES:
        return None
    try:
        values = [strict_json_line(line) for line in lines if line.strip()]
    except ValueError:
        return None
    return values[0] if values else None


def read_bounded(path: Path) -> bytes:
    """A file's bytes; ScriptError when there are more than are read at once."""
    refuse_out(path)
    return input_bytes(path, MAX_JSON)


def json_lines(path: Path, begin: int = 0, end: float = math.inf) -> Iterator[dict[str, Any]]:
    """The objects in a JSON-lines file, one after the other; lm-eval before 0.4.3 wrote one JSON list under that name.

    Those whose lines begin at a byte from `begin` on and before `end`.
    """
    if not begin and is_json_list(path):
        yield from rows_of(json_value(read_bounded(path)))
        return
    for place, content in line_blocks(path, begin, end):
        yield from parsed_lines(path, place, content)


def is_json_list(path: Path) -> bool:
    """Whether a file begins as one JSON list does."""
    with open_result(path) as file:
        return file.read(1) == b"["


def parsed_lines(path: Path, place: int, content: bytes) -> Iterator[dict[str, Any]]:
    """The objects in some lines of a file, of which the first begins at the byte `place`."""
    most = allowed(MOST_OF_LINE)
    for line in io.BytesIO(content):
        if len(line) > most:
            raise too_much(path, f"line {line_at(path, place + 1)} has more than {bytes_text(most)}")
        place += len(line)
        if line.isspace():
            continue
        try:
            row = strict_json_line(line, lenient=True)
        except ValueError as error:
            raise ValueError(f"line {line_at(path, place)} is not valid JSON (a file cut off?)") from error
        if not isinstance(row, dict):
            raise ValueError(f"line {line_at(path, place)} is no JSON object")
        yield row


def line_blocks(path: Path, begin: int = 0, end: float = math.inf) -> Iterator[tuple[int, bytes]]:
    """The lines of a file that begin at a byte from `begin` on and before `end`: some at a time, with the byte at which
    the first of them begins. One without measure is cut off where it is too long."""
    most = allowed(MOST_OF_LINE) + 1
    with open_result(path) as file:
        place = file.seek(max(begin - 1, 0))
        if begin:
            place += len(file.readline(most))  # of a line that begins before
        while place < end and (content := file.read(min(BLOCK_OF_LINES, end - place))):
            if not content.endswith(b"\n"):
                content += file.readline(most)
            yield place, content
            place += len(content)


def line_at(path: Path, place: int) -> int:
    """The number of the line that ends at a byte of a file."""
    with open_result(path) as file:
        blocks = (file.read(min(1 << 20, place - 1 - begin)) for begin in range(0, place - 1, 1 << 20))
        return 1 + sum(block.count(b"\n") for block in blocks)


def line_spans(path: Path) -> list[tuple[int, float]]:
    """A JSON-lines file cut into pieces for `json_lines`, which can be read apart; other files are one piece."""
    size = 0 if is_json_list(path) else path.stat().st_size
    cuts = [*range(0, max(size, 1), SPAN)]
    return list(zip(cuts, [*cuts[1:], math.inf], strict=True))


def small_yaml(path: Path) -> Any:
    """The value in a YAML file; ValueError when it is none, repeats a key, or is too large with its aliases."""
    refuse_out(path)
    try:
        return load_yaml(input_text(path, MAX_YAML), path.name)[0]
    except ScriptError as error:
        raise ValueError(single_line(error)[:200]) from error


def parquet_rows(path: Path, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The rows of a parquet file, a few at a time."""
    refuse_out(path)
    for _, batch in parquet_batches(path, list(columns)):
        yield from batch.to_pylist()


def parquet_columns(path: Path) -> list[str]:
    """The top-level columns of a parquet file."""
    import pyarrow.parquet

    with open_result(path) as file:
        return pyarrow.parquet.read_schema(file).names


class LogArchive:
    """An .eval file: a zip archive of JSON documents, deflated or (newer ones) compressed with Zstandard.

    What is read from it in all is bounded by its size: an archive can claim any size for what it holds.
    """

    def __init__(self, path: Path) -> None:
        if sys.version_info >= (3, 14):
            import zipfile
        else:
            from backports.zstd import zipfile

        opened = open_result(path)
        if (end := zipfile._EndRecData(opened)) and end[zipfile._ECD_SIZE] > allowed(MAX_DIRECTORY):  # read whole next
            opened.close()
            raise too_much(path, f"an index of {end[zipfile._ECD_SIZE] / 1e6:,.0f} MB")
        self.archive = zipfile.ZipFile(opened)
        self.names = self.archive.namelist()
        self.left = max(1 << 28, MAX_INFLATION * path.stat().st_size)

    def __enter__(self) -> LogArchive:
        return self

    def __exit__(self, *_: object) -> None:
        self.archive.close()

    def read(self, name: str) -> Any:
        """One document; ValueError when it is too large or not JSON."""
        most = min(MAX_LINE, self.left)
        with self.archive.open(name) as member:
            data = member.read(most + 1)
        if len(data) > most:
            raise ValueError(f"{single_line(name)[:80]} holds more than {most >> 20} MiB: not a log, or a zip bomb")
        self.left -= len(data)
        return json_value(data)

    def samples(self) -> dict[str, list[str]]:
        """The names of the documents of each sample, one for each epoch, by inspect's id of the sample."""
        found: dict[str, list[tuple[int, str]]] = {}
        for name in self.names:
            match = re.fullmatch(r"samples/(.*)_epoch_(\d{1,6})\.json", name, re.DOTALL)
            if match:
                found.setdefault(match[1], []).append((int(match[2]), name))
        return {key: [name for _, name in sorted(set(rows))] for key, rows in found.items()}
