"""Rows of text, JSON, Parquet and packed files."""

from __future__ import annotations

import bz2
import codecs
import contextlib
import filecmp
import gzip
import io
import itertools
import lzma
import os
import re
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any, BinaryIO

from parts.checkpoints import inside
from parts.contamination.words import CONTROL_BYTES, is_readable, without_errors
from parts.frame import ScriptError, listing, single_line
from parts.inputs import (
    input_bytes,
    input_lines,
    open_inflated,
    open_input,
    strict_json,
    strict_json_line,
    whole_content,
)
from parts.parquet import arrow_batches, parquet_batches
from parts.records.files import MODEL_JSON, RECORD_NAME

TEXT_SUFFIXES = (".txt", ".text", ".md", ".markdown", ".rst", ".tex", ".html", ".htm", ".xml", ".csv", ".tsv", ".py")
LINE_SUFFIXES = (".jsonl", ".ndjson", ".json")
# Texts beside the data, which alone are no training text: cards, side files, what begins with a dot.
BESIDE = re.compile(r"(?:^|/)(?:README\.md|\.[^/]+|\.(?:git|cache/huggingface)/.*|[^/]+\.json)$")
ZIP_INDEX, MOST_OF_END = b"PK\5\6", 2**16 + 22  # where an archive's index is, at its end: before its comment
MOST_SIDE = 2**26  # bytes of a side file, which is read at once
MEDIA = re.compile(
    rb"\x89PNG\r\n\x1a\n|\xff\xd8\xff|GIF8[79]a|RIFF.{4}(?:WEBP|WAVE)|\0\0\x01\0|ID3[\x02-\x04]|fLaC\0"
    rb"|\0\0.{2}ftyp|OggS\0|\0\0\0\x01Bud1|(?P<frames>\xff[\xe2-\xe7\xf2\xf3\xfa\xfb])",
    re.DOTALL,
)
LONGEST_FRAME = 1441  # bytes of an MP3's: each begins as the first does
MEDIA_NAME = re.compile(
    r"(?is).*\.(?:png|jpe?g|jfif|gif|webp|ico|wav|mp3|flac|mp4|m4[av]|mov|3gp|heic|avif|og[gav]|opus|DS_Store)"
)
GIT_STORE = re.compile(rb"\x78[\x01\x5e\x9c\xda]|PACK\0|\xfftOc\0|DIRC\0|RIDX\0|MIDX|CGPH|BITM")  # objects and indexes
TABLE_SUFFIXES = (".parquet", ".arrow")
PACKED_SUFFIXES = (".gz", ".zst", ".bz2", ".xz")
SPEAKERS = {"role", "from", "speaker"}  # keys of a chat message that are not its text, when they say one of these
CHAT_ROLES = {"user", "assistant", "system", "developer", "tool", "function", "human", "gpt", "model", "bot"}
NAME_TEXT = re.compile(r"(?!(?:\S*\s){4})[ -~]{0,64}|.{1,12}")  # of a field: too short for an item that is judged
BLANKS_OF_PIECES = str.maketrans("\u0120\u2581\u010a", "  \n")  # what tokenizers write for blanks and ends of lines
FEWEST_PIECES = 8  # letters or pieces of words in a list that may be a text
SHORT_BYTES = 40  # a hash, an identifier: no text of an item
FEWEST_NUMBERS, LEAST_LETTER = 16, 64  # whole numbers that may be a text: fewer or lower ones are labels, tags, masks
SIDE_JSON = re.compile(r"(?:dataset_infos?|dataset_dict|state|metadata)\.json")  # beside a data set's files


def zstandard() -> Any:
    """The module for .zst files: the standard library's, or its backport to older versions of Python."""
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd


def broken_errors() -> tuple[type[BaseException], ...]:
    """What reading a damaged file raises."""
    from pyarrow import ArrowException

    return (OSError, EOFError, RecursionError, zlib.error, lzma.LZMAError, zstandard().ZstdError, ArrowException)


class Streams:
    """The content of a .bz2 or .xz file to its very end: of all its streams, with zeros between and behind them.

    The readers of Python's library end without a word at what is no further stream, as at an .xz file's own padding;
    here it is an error. `unpacker` makes a stream's unpacker.
    """

    def __init__(self, source: BinaryIO, unpacker: Callable[[], Any]) -> None:
        self.source, self.unpacker, self.stream = source, unpacker, None

    def read1(self, most: int) -> bytes:
        """Some of the content, at most so many bytes; b"" at its end."""
        while True:
            if self.stream is None or self.stream.eof:
                packed = self.stream.unused_data if self.stream else b""
                while not packed.strip(b"\0") and (packed := self.source.read(io.DEFAULT_BUFFER_SIZE)):
                    pass
                packed = packed.lstrip(b"\0")
                if not packed and self.stream:
                    return b""
                self.stream = self.unpacker()
            else:
                packed = self.source.read(io.DEFAULT_BUFFER_SIZE) if self.stream.needs_input else b""
            if self.stream.needs_input and not packed:
                raise EOFError("it ends within a stream")
            if data := self.stream.decompress(packed, most):
                return data

    def close(self) -> None:
        self.source.close()


def open_packed(path: str, packed: str) -> IO[bytes]:
    """A file's content, unpacked within limits; ScriptError for what is no regular file."""
    if packed == ".zst":
        return open_inflated(path, zstandard().open)
    if packed in (".bz2", ".xz"):
        unpacker = bz2.BZ2Decompressor if packed == ".bz2" else lzma.LZMADecompressor
        return open_inflated(path, lambda source: Streams(source, unpacker))
    return open_inflated(path, gzip.open) if packed else open_input(path)


def file_kind(path: str) -> tuple[str, str] | None:
    """(kind, packed) by a file's name, or None for a name that says nothing."""
    stem, suffix = os.path.splitext(path.lower())
    packed = suffix if suffix in PACKED_SUFFIXES else ""
    suffix = os.path.splitext(stem)[1] if packed else suffix
    if suffix in LINE_SUFFIXES:
        return "lines", packed
    if suffix in TABLE_SUFFIXES and not packed:
        return suffix[1:], ""
    return ("text", packed) if suffix in TEXT_SUFFIXES else None


def is_side_file(name: str) -> bool:
    """Whether a JSON file describes a model, a data set or a run, and holds no text."""
    return bool(MODEL_JSON.fullmatch(name) or RECORD_NAME.fullmatch(name) or SIDE_JSON.fullmatch(name))


def whole_object(path: Path) -> bool:
    """Whether a file named .json is one object, or nothing that has rows: read as a text, whatever its name promises.

    Of one line it is a row, unless its name is that of a side file, which has none of the fields of the rows.
    """
    if path.suffix.lower() != ".json" or not path.stat().st_size:
        return False
    if is_side_file(path.name) and path.stat().st_size <= MOST_SIDE:
        with contextlib.suppress(ValueError):
            return isinstance(strict_json(input_bytes(path, MOST_SIDE)), dict)
    with open_input(path) as file:
        array = is_array(file)
    return not array and not any(isinstance(row, dict | str) for row in first_rows(str(path), "lines", ""))


def is_plain_text(path: Path) -> bool:
    """Whether a file begins as a text in UTF-8 that is no JSON."""
    with open_input(path) as file:
        begin = file.read(4096)
    try:
        codecs.getincrementaldecoder("utf-8")().decode(begin)
    except UnicodeDecodeError:
        return False
    return b"\0" not in begin and not begin.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"[", b"%PDF"))


def holds_no_text(path: Path) -> bool:
    """Whether a file is certainly no text, by its bytes: empty, what git keeps in `.git`, a picture or a sound by its
    name as well: a few bytes can stand before anything."""
    with open_input(path) as file:
        begin = file.read(2**16)
        file.seek(max(0, path.stat().st_size - MOST_OF_END))
        end = file.read(MOST_OF_END)
    if not begin or (MEDIA_NAME.fullmatch(path.name) and is_media(begin, end)):
        return True
    return ".git" in path.parts and bool(GIT_STORE.match(begin)) and not holds_readable(begin, end)


def is_media(begin: bytes, end: bytes) -> bool:
    """Whether the first and the last bytes are a picture's or a sound's, and of no archive or text behind it."""
    found = MEDIA.match(begin)
    if found and found["frames"] and max(map(len, begin.split(found[0]))) > LONGEST_FRAME:
        return False
    return bool(found) and ZIP_INDEX not in end and not holds_readable(begin, end)


def holds_readable(begin: bytes, end: bytes) -> bool:
    """Whether the first or the last bytes of something are text."""
    return is_readable(begin) or is_readable(end[-4096:])


def copies(paths: Sequence[Path], read: Sequence[Path]) -> set[Path]:
    """Those of some files that hold, byte for byte, what a file that is read holds: git's and the Hub's own copies."""
    sizes: dict[int, list[Path]] = {}
    for path in read:
        if path.is_file():
            sizes.setdefault(path.stat().st_size, []).append(path)
    same = partial(filecmp.cmp, shallow=False)
    return {path for path in paths if any(same(path, other) for other in sizes.get(path.stat().st_size, ()))}


def corpus_files(folder: Path) -> Iterator[Path]:
    """The files in a folder and its folders, in order, and the folders elsewhere that links in it lead to."""

    def fail(error: OSError) -> None:
        raise ScriptError(f"{error.filename}: {error.strerror}") from error

    for base, directories, names in os.walk(folder, onerror=fail):
        directories.sort()
        yield from (path for name in directories if not inside(path := Path(base, name), folder))
        yield from (Path(base, name) for name in sorted(names))  # a dead link is an error later


def first_rows(path: str, kind: str, packed: str, most: int = 20) -> list[Any]:
    """The first rows of a file of JSON lines, a JSON array or a table; what is no JSON is left out."""
    if kind in ("parquet", "arrow"):
        batches = table_batches(path, kind, None, 0, None, most)
        return next((batch_rows(batch.slice(0, most))[0] for _, batch in batches if batch.num_rows), [])
    rows = []
    with open_packed(path, packed) as file:
        if is_array(file):
            return json_array(path, file)[:most]
        for _, line in zip(range(most), input_lines(file, path), strict=False):
            with contextlib.suppress(ValueError):
                rows.append(json_of_line(line)[0])
    return rows


def is_array(file: IO[bytes]) -> bool:
    """Whether a file of JSON is one array, told from its beginning, which is not consumed."""
    begin = file.peek(4096).lstrip(b"\xef\xbb\xbf \t\r\n")  # type: ignore[attr-defined]
    return begin.startswith(b"[")


def json_array(path: str, file: IO[bytes]) -> list[Any]:
    """The rows of a JSON array, all in memory."""
    try:
        rows = strict_json(whole_content(file, path))
    except ValueError as error:
        raise ScriptError(f"{path}: not valid JSON: {single_line(error)[:200]}") from error
    return rows if isinstance(rows, list) else []


def json_of_line(line: bytes) -> tuple[Any, int]:
    """(a line's value, how many byte sequences were not UTF-8); ValueError when it is no JSON."""
    try:
        return strict_json_line(line, lenient=True), 0
    except UnicodeDecodeError:
        text = line.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
        return strict_json(text), text.count("\ufffd") - line.count(b"\xef\xbf\xbd")


def table_batches(
    path: str, kind: str, columns: Sequence[str] | None, start: int, stop: int | None, size: int = 1024
) -> Iterator[tuple[int, Any]]:
    """(number of the first row, batch) of a parquet file's row groups `start` to `stop`, or of an Arrow file.

    size: rows of a parquet file that are read at once.
    """
    if kind == "parquet":
        return parquet_batches(path, columns, start, stop, size)
    return arrow_batches(path, columns)


def batch_rows(batch: Any) -> tuple[list[Any], int]:
    """(the rows of a table's batch, how many byte sequences were not UTF-8); None for a row that cannot be read."""
    import pyarrow as pa

    try:
        return batch.to_pylist(), 0
    except UnicodeDecodeError:
        kinds = (pa.types.is_string, pa.types.is_large_string)
        textual = [any(is_(column.type) for is_ in kinds) for column in batch.columns]
        pairs = zip(textual, batch.columns, strict=True)
        columns = [column.cast(pa.large_binary()) if own else column for own, column in pairs]
    rows, replaced = [], 0
    for i in range(batch.num_rows):
        try:
            values = [column[i].as_py() for column in columns]
        except UnicodeDecodeError:  # in a list or an object
            rows.append(None)
            continue
        pairs = zip(textual, values, strict=True)
        decoded = [without_errors(value) if own and value is not None else (value, 0) for own, value in pairs]
        replaced += sum(bad for _, bad in decoded)
        pairs = zip(textual, (value for value, _ in decoded), strict=True)
        texts_of_row = [value.decode() if own and value is not None else value for own, value in pairs]
        rows.append(dict(zip(batch.schema.names, texts_of_row, strict=True)))
    return rows, replaced


def texts(value: Any) -> list[str]:
    """The texts in a value of JSON: of a list, of a chat's messages, of an answer with its variants."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for key, inner in value.items() if key not in SPEAKERS for text in texts(inner)]
    return [text for inner in value for text in texts(inner)] if isinstance(value, list) else []


def check_text_fields(rows: Sequence[Any], wanted: Sequence[str], where: str) -> None:
    """ScriptError when the first rows of a file are no rows, or when none of them has a field that was named."""
    named = {name for row in rows if isinstance(row, dict) for name in row}
    if not named and not (rows and all(isinstance(row, str) for row in rows)):
        raise ScriptError(f"{where}: no JSON objects in its first lines; is it JSON lines?")
    missing = [name for name in wanted if name not in named]
    if missing and named:
        raise ScriptError(f"{where}: no field {missing[0]!r}; there are: {listing(sorted(named), 20)}")


def training_texts(value: Any) -> list[str]:
    """All texts in a value of a training row: also keys that are no names, pairs of maps, bytes, letters in a list.

    [{"role": "user", "content": "Why?"}] -> ["Why?"]; [("Why?", b"So.")] -> ["Why?", "So."]
    """
    if isinstance(value, str):
        return [value]
    if isinstance(value, bytes):
        text = text_of_bytes(value)
        return [] if text is None else [text]
    if isinstance(value, dict):
        found = [key for key in value if not NAME_TEXT.fullmatch(key)]
        for key, inner in value.items():
            if not (key in SPEAKERS and isinstance(inner, str) and inner.lower() in CHAT_ROLES):
                found += training_texts(inner)
        return joined_pieces(found)
    return (
        joined_pieces([t for inner in value for t in training_texts(inner)]) if isinstance(value, list | tuple) else []
    )


def joined_pieces(found: list[str]) -> list[str]:
    """Letters, or pieces of words that carry their blanks, as the one text that they are: "W", "h", "y" -> "Why"."""
    if len(found) < FEWEST_PIECES:
        return found
    letters = sum(map(len, found)) <= 2 * len(found)
    pieces = letters or sum(piece[:1] in "\u0120\u2581 " for piece in found) > len(found) / 4
    return ["".join(found).translate(BLANKS_OF_PIECES)] if pieces else found


def text_of_bytes(value: bytes) -> str | None:
    """The text that some bytes are in UTF-8, or None."""
    try:
        return None if CONTROL_BYTES.search(value) else value.decode()
    except UnicodeDecodeError:
        return None


def holds_more(value: Any) -> bool:
    """Whether a value without text holds something all the same: text as numbers of tokens, bytes, rows in rows."""
    if isinstance(value, dict):
        return any(map(holds_more, value.values()))
    return bool(value) and isinstance(value, list | bytes)


def holds_hidden(value: Any) -> tuple[bool, int]:
    """(whether a value may hold a text that is not read, bytes of the pictures and sounds in it).

    As bytes, or as whole numbers in lists: those of tokens or of letters. Numbers that only rise are places or times.
    """
    unread: list[bytes] = []
    numbers: dict[tuple[str, ...], list[int]] = {}
    pending: list[tuple[Any, tuple[str, ...], bool]] = [(value, (), False)]
    while pending:
        one, path, many = pending.pop()
        if isinstance(one, dict):
            pending += [(inner, (*path, key), many) for key, inner in one.items()]
        elif isinstance(one, list | tuple):
            pending += [(inner, path, True) for inner in reversed(one)]
        elif isinstance(one, bytes) and text_of_bytes(one) is None:
            unread.append(one)
        elif many and not isinstance(one, bool) and isinstance(one, int | float) and one == one // 1:
            numbers.setdefault(path, []).append(int(one))
    media = [piece for piece in unread if is_media(piece[: 2**16], piece[-MOST_OF_END:])]
    size = sum(map(len, media))
    hidden = sum(map(len, unread)) - size >= SHORT_BYTES
    return hidden or any(map(may_be_letters, numbers.values())), size


def may_be_letters(numbers: Sequence[int]) -> bool:
    """Whether whole numbers may be those of tokens or letters."""
    if len(numbers) < FEWEST_NUMBERS or max(numbers) < LEAST_LETTER or len(set(numbers)) < FEWEST_PIECES // 2:
        return False
    return any(left > right for left, right in itertools.pairwise(numbers))
