# ruff: noqa: E501
"""Ways to spoil a file: each puts something hostile where a reader expects a good file.

A kind takes the place, the good bytes that belong there, and the format (`json`, `jsonl`, `yaml`, `md`, `txt`,
`parquet`, `zip`); it is made at test time and never stored. `KINDS` has name -> (formats or None for any, maker).
"""

from __future__ import annotations

import gzip
import io
import json
import os
import socket
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

TEXT = ("json", "jsonl", "yaml", "md", "txt", "csv")
ESCAPES = "\x1b]0;owned\x07\x1b[2J\r\x9b31m\u202egnp.exe\u2066\u200b\x00\u2028"  # title, clear, C1, bidi, zero width
RAW = ESCAPES.replace("\x00", "")  # where a format has no NUL
PICKLE = b"\x80\x04\x95\x1e\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94\x8c\x05touch\x94\x85\x94R\x94."

Maker = Callable[[Path, bytes, str], None]
KINDS: dict[str, tuple[tuple[str, ...] | None, Maker]] = {}


def kind(*formats: str) -> Callable[[Maker], Maker]:
    """Register a way to spoil, for these formats or for all."""

    def register(maker: Maker) -> Maker:
        KINDS[maker.__name__] = (formats or None, maker)
        return maker

    return register


def sparse(path: Path, head: bytes, size: int, tail: bytes = b"") -> None:
    """A file of a size that takes no room on the disk."""
    with path.open("wb") as file:
        file.write(head)
        file.seek(size - len(tail))
        file.write(tail or b"\0")


# --- What is no regular file, or no end of one ---------------------------------------------------------------------


@kind()
def fifo(path: Path, good: bytes, form: str) -> None:
    os.mkfifo(path)


@kind()
def link_to_zero(path: Path, good: bytes, form: str) -> None:
    path.symlink_to("/dev/zero")


@kind()
def link_to_fifo(path: Path, good: bytes, form: str) -> None:
    os.mkfifo(path.parent / ".pipe")
    path.symlink_to(path.parent / ".pipe")


@kind()
def unix_socket(path: Path, good: bytes, form: str) -> None:
    here = os.getcwd()
    os.chdir(path.parent)  # a socket's path has at most 107 bytes
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


@kind()
def a_folder(path: Path, good: bytes, form: str) -> None:
    path.mkdir()


@kind()
def broken_link(path: Path, good: bytes, form: str) -> None:
    path.symlink_to(path.parent / "not there")


@kind()
def link_to_itself(path: Path, good: bytes, form: str) -> None:
    path.symlink_to(path.name)


@kind()
def sparse_3_gb(path: Path, good: bytes, form: str) -> None:
    sparse(path, good, 3 * 2**30)


@kind(*TEXT)
def one_line_of_2_gb(path: Path, good: bytes, form: str) -> None:
    sparse(path, b'{"a": "', 2 * 2**30, b'"}\n')


@kind()
def kernel_memory(path: Path, good: bytes, form: str) -> None:
    path.symlink_to("/proc/self/mem")


# --- Bytes that are no text ----------------------------------------------------------------------------------------


@kind()
def empty(path: Path, good: bytes, form: str) -> None:
    path.write_bytes(b"")


@kind(*TEXT)
def no_utf_8(path: Path, good: bytes, form: str) -> None:
    path.write_bytes(good[: len(good) // 2] + b"\xff\xfe\xc3\x28" + good[len(good) // 2 :])


@kind(*TEXT)
def utf_16(path: Path, good: bytes, form: str) -> None:
    path.write_bytes(good.decode().encode("utf-16"))


@kind(*TEXT)
def nul_bytes(path: Path, good: bytes, form: str) -> None:
    path.write_bytes(good[:40] + b"\0" * 1000 + good[40:])


@kind()
def pickled(path: Path, good: bytes, form: str) -> None:
    path.write_bytes(PICKLE)


@kind()
def cut_off(path: Path, good: bytes, form: str) -> None:
    path.write_bytes(good[: len(good) * 2 // 3])


@kind()
def gzip_bomb(path: Path, good: bytes, form: str) -> None:
    path.write_bytes(gzip.compress(bytes(200_000_000), 9))


@kind("zip")
def zip_bomb(path: Path, good: bytes, form: str) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("header.json", b"[" + b" " * 400_000_000 + b"]")


@kind("zip")
def zip_escape(path: Path, good: bytes, form: str) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../../escaped.json", b"{}")
        archive.writestr("header.json", b"{}")


# --- JSON ----------------------------------------------------------------------------------------------------------


@kind("json", "jsonl")
def deep_json(path: Path, good: bytes, form: str) -> None:
    path.write_bytes(b'{"a":' * 100_000 + b"1" + b"}" * 100_000)


@kind("json", "jsonl")
def deep_lists(path: Path, good: bytes, form: str) -> None:
    path.write_bytes(b"[" * 1_000_000)


@kind("json", "jsonl")
def a_list_of_nothing(path: Path, good: bytes, form: str) -> None:
    path.write_bytes(b"[null, null, 1, []]")


@kind("json", "jsonl")
def only_null(path: Path, good: bytes, form: str) -> None:
    path.write_bytes(b"null")


def walk(value: Any, change: Callable[[Any], Any]) -> Any:
    """The value with each leaf changed."""
    if isinstance(value, dict):
        return {name: walk(inner, change) for name, inner in value.items()}
    if isinstance(value, list):
        return [walk(inner, change) for inner in value]
    return change(value)


def rows(good: bytes, form: str) -> list[Any]:
    return [json.loads(line) for line in good.splitlines()] if form == "jsonl" else [json.loads(good)]


def write_rows(path: Path, values: list[Any], form: str, **options: Any) -> None:
    joined = "\n".join(json.dumps(value, **options) for value in values)
    path.write_bytes(joined.encode("utf-8", "surrogatepass") + (b"\n" if form == "jsonl" else b""))


def leaves(maker_name: str, change: Callable[[Any], Any], ascii_only: bool = True) -> None:
    """Register: each leaf of the good JSON is changed, but what names the format."""

    def maker(path: Path, good: bytes, form: str) -> None:
        keep = ("0.3.0", "1", "jsonl")
        write_rows(
            path,
            [walk(row, lambda leaf: leaf if leaf in keep else change(leaf)) for row in rows(good, form)],
            form,
            ensure_ascii=ascii_only,
        )

    maker.__name__ = maker_name
    kind("json", "jsonl")(maker)


leaves("escapes_in_strings", lambda leaf: leaf + ESCAPES if isinstance(leaf, str) else leaf)
leaves("only_escapes", lambda leaf: ESCAPES if isinstance(leaf, str) else leaf)
leaves("surrogates_in_strings", lambda leaf: leaf + "\ud800" if isinstance(leaf, str) else leaf)
leaves("paths_in_strings", lambda leaf: "../../../../etc/passwd" if isinstance(leaf, str) else leaf)
leaves("markup_in_strings", lambda leaf: "[red]<script>x</script>|`{{7*7}}`[/]" if isinstance(leaf, str) else leaf)
leaves("long_strings", lambda leaf: leaf * 20_000 if isinstance(leaf, str) else leaf)
leaves("huge_numbers", lambda leaf: 10**4000 if isinstance(leaf, int | float) else leaf)
leaves("numbers_as_nan", lambda leaf: float("nan") if isinstance(leaf, int | float) else leaf)
leaves("numbers_as_infinity", lambda leaf: float("-inf") if isinstance(leaf, int | float) else leaf)
leaves("all_null", lambda leaf: None)
leaves("all_lists", lambda leaf: [[leaf]])
leaves("all_dicts", lambda leaf: {"x": leaf})
leaves("all_true", lambda leaf: True)
leaves("strings_as_numbers", lambda leaf: 5 if isinstance(leaf, str) else leaf)
leaves("future_dates", lambda leaf: leaf.replace("202", "297") if isinstance(leaf, str) else leaf)


def inner_nodes(value: Any, where: tuple = ()) -> Iterator[tuple]:
    """The places of a document that hold a list or a dict."""
    if isinstance(value, dict | list):
        yield where
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value[:1]):
            yield from inner_nodes(inner, (*where, name))


def put(value: Any, where: tuple, new: Any) -> Any:
    """A copy with another value at a place."""
    if not where:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[where[0]] = put(copy[where[0]], where[1:], new)
    return copy


@kind("json", "jsonl")
def keys_with_escapes(path: Path, good: bytes, form: str) -> None:
    def more(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: more(inner) for name, inner in value.items()} | {f"x{ESCAPES}": 1}
        return [more(inner) for inner in value] if isinstance(value, list) else value

    write_rows(path, [more(row) for row in rows(good, form)], form)


@kind("json", "jsonl")
def duplicate_keys(path: Path, good: bytes, form: str) -> None:
    lines = []
    for row in rows(good, form):
        row = row[0] if isinstance(row, list) else row
        name = next(iter(row))
        text = json.dumps(row)
        lines.append(f"{{{json.dumps(name)}: null, {text[1:-1]}, {json.dumps(name)}: {json.dumps(row[name])}}}")
    path.write_text("\n".join(lines))


@kind("json")
def many_keys(path: Path, good: bytes, form: str) -> None:
    (row,) = rows(good, form)
    if isinstance(row, dict):
        row |= {f"key_{index}": index for index in range(200_000)}
    path.write_text(json.dumps(row))


# --- YAML ----------------------------------------------------------------------------------------------------------


def as_front_matter(text: str, form: str) -> str:
    return (
        f"---\n{text}\n---\n\n# Card\n\n| Benchmark | Score |\n|---|---|\n| GSM8K | 31.6 |\n" if form == "md" else text
    )


@kind("yaml", "md")
def yaml_bomb(path: Path, good: bytes, form: str) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    path.write_text(as_front_matter("\n".join(lines), form))


@kind("yaml", "md")
def yaml_merge_bomb(path: Path, good: bytes, form: str) -> None:
    lines = ["a0: &a0 {x: 1}"] + [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 9)]
    path.write_text(as_front_matter("\n".join(lines), form))


@kind("yaml", "md")
def yaml_python(path: Path, good: bytes, form: str) -> None:
    path.write_text(as_front_matter('a: !!python/object/apply:os.system ["touch owned"]', form))


@kind("yaml", "md")
def deep_yaml(path: Path, good: bytes, form: str) -> None:
    path.write_text(as_front_matter("a: " + "[" * 5000 + "]" * 5000, form))


@kind("yaml", "md")
def yaml_recursion(path: Path, good: bytes, form: str) -> None:
    path.write_text(as_front_matter("model-index: &x\n- *x\nrule: *x", form))


@kind("yaml", "md")
def yaml_escapes(path: Path, good: bytes, form: str) -> None:
    name = '"x\\e]0;owned\\a\\x9b31m\\u202e\\r"'
    path.write_text(as_front_matter(f"{name}: {name}\nrule: {name}\nmodel-index: {name}", form))


@kind("yaml", "md")
def yaml_long_number(path: Path, good: bytes, form: str) -> None:
    path.write_text(as_front_matter(f"a: {'9' * 100_000}\nb: {'1:' * 50_000}1\nrule: .nan", form))


@kind("yaml", "md")
def yaml_duplicate_keys(path: Path, good: bytes, form: str) -> None:
    path.write_text(as_front_matter("rule: release\nrule: select\nlicense: mit\nlicense: other", form))


# --- Cards ---------------------------------------------------------------------------------------------------------


@kind("md")
def card_of_100_000_rows(path: Path, good: bytes, form: str) -> None:
    lines = "".join(f"| GSM8K {index} | {index % 100} |\n" for index in range(100_000))
    path.write_text("# Lumen-7B\n\n| Benchmark | Lumen-7B |\n|---|---|\n" + lines)


@kind("md")
def card_of_100_000_columns(path: Path, good: bytes, form: str) -> None:
    path.write_text("|a" * 100_000 + "|\n" + "|-" * 100_000 + "|\n" + "|1" * 100_000 + "|\n")


@kind("md")
def card_of_colspans(path: Path, good: bytes, form: str) -> None:
    row = '<tr><td colspan="999999999" rowspan="999999999">GSM8K</td><td colspan="1e9">5</td></tr>'
    path.write_text("<table>" + row * 2000 + "</table>")


@kind("md")
def card_of_deep_html(path: Path, good: bytes, form: str) -> None:
    path.write_text("<div>" * 50_000 + "<table><tr><td>" * 2000 + "GSM8K")


@kind("md")
def card_of_brackets(path: Path, good: bytes, form: str) -> None:
    path.write_text(
        "[" * 60_000 + "](" * 30_000 + "\n\n" + "*_" * 50_000 + "\n\n" + ">" * 20_000 + "a\n" + "`" * 30_000
    )


@kind("md")
def card_of_escapes(path: Path, good: bytes, form: str) -> None:
    text = f"# Lumen-7B{RAW}\n\n| Benchmark{RAW} | Lumen-7B{RAW} |\n|---|---|\n| GSM8K{RAW} | 31.6 |\n| X{RAW}Y | 5{RAW} |\n"
    path.write_text(text)


@kind("md")
def card_of_entities(path: Path, good: bytes, form: str) -> None:
    odd = "&#27;]0;owned&#7;&#x9b;31m&#x202e;&#13;&#xd800;&#1114112;"
    path.write_text(f"# Lumen-7B\n\n| Benchmark | Lumen-7B{odd} |\n|---|---|\n| GSM8K{odd} | 31.6 |\n<b>{odd}</b>\n")


@kind("md")
def card_of_latex(path: Path, good: bytes, form: str) -> None:
    path.write_text("| Benchmark | Lumen-7B |\n|---|---|\n| $" + "\\text{" * 20_000 + "$ | " + "$^{" * 20_000 + " |\n")


@kind("md")
def card_of_digits(path: Path, good: bytes, form: str) -> None:
    number = "1" * 60_000 + "." + "1" * 60_000 + "±" * 1000
    path.write_text(f"| Benchmark | Lumen-7B |\n|---|---|\n| GSM8K | {number} |\n| MMLU | {'1,' * 60_000} |\n")


@kind("md")
def card_without_end(path: Path, good: bytes, form: str) -> None:
    path.write_text("---\n" + "model-index:\n- name: x\n" * 100_000)


# --- Plain text and lines ------------------------------------------------------------------------------------------


@kind("txt")
def escapes_in_lines(path: Path, good: bytes, form: str) -> None:
    path.write_text(f"owner/na{RAW}me\n{RAW}\n../../etc/passwd\nhttp://evil/x\n")


@kind("txt", "jsonl")
def a_million_lines(path: Path, good: bytes, form: str) -> None:
    line = good.splitlines()[0] if form == "jsonl" and good else b"a/b"
    path.write_bytes((line + b"\n") * min(1_000_000, 15_000_000 // (len(line) + 1)))


@kind("txt", "jsonl")
def empty_lines(path: Path, good: bytes, form: str) -> None:
    path.write_bytes(b"\n\r\n \t\n" * 100_000)


# --- Parquet -------------------------------------------------------------------------------------------------------


def parquet_bytes(table: Any, **options: Any) -> bytes:
    import pyarrow.parquet

    sink = io.BytesIO()
    pyarrow.parquet.write_table(table, sink, **options)
    return sink.getvalue()


@kind("parquet")
def parquet_bomb(path: Path, good: bytes, form: str) -> None:
    """A few kB that are 5 GB of text in memory."""
    import pyarrow

    word = pyarrow.array(["a" * 1_000_000])
    column = pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * 5200, pyarrow.int32()), word)
    path.write_bytes(
        parquet_bytes(pyarrow.table({"text": column, "doc": column}), compression="zstd", use_dictionary=True)
    )


@kind("parquet")
def parquet_of_columns(path: Path, good: bytes, form: str) -> None:
    import pyarrow

    path.write_bytes(parquet_bytes(pyarrow.table({f"c{n}{ESCAPES}": [n] for n in range(5000)})))


@kind("parquet")
def parquet_of_rows(path: Path, good: bytes, form: str) -> None:
    import numpy
    import pyarrow

    path.write_bytes(
        parquet_bytes(pyarrow.table({"text": pyarrow.array(numpy.zeros(100_000_000, dtype="i1"))}), compression="zstd")
    )
