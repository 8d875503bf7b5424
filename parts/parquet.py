"""Parquet and Arrow files of others: a few rows at a time, and never more of them in memory than is honest."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from parts.inputs import MAX_BATCH, allowed, check_inflation, open_input, too_much

MAX_COLUMNS = 10_000
OBJECT = 32  # bytes of a Python value with its place, about


def parquet_batches(
    path: str | Path, columns: Sequence[str] | None, start: int = 0, stop: int | None = None, size: int = 1024
) -> Iterator[tuple[int, Any]]:
    """(number of the first row, batch) of a parquet file's row groups `start` to `stop`, `size` rows or fewer at once.

    Texts are read as numbers into their dictionary, so that a few kB which stand for gigabytes are seen before they
    are in memory.

    Raises:
        ScriptError: no regular file, too many columns, or rows that are larger than the file explains.
        pyarrow.ArrowException, OSError: it is damaged.
    """
    import pyarrow.parquet as pq

    with open_input(path) as opened:
        on_disk = opened.seek(0, 2)
        with pq.ParquetFile(opened) as file:
            if file.metadata.num_columns > allowed(MAX_COLUMNS):
                raise too_much(path, f"{file.metadata.num_columns:,} columns")
            refuse_equal_names(file.schema_arrow)
            leaves = [file.schema.column(i) for i in range(file.metadata.num_columns)]
            texts = [leaf.path for leaf in leaves if leaf.physical_type == "BYTE_ARRAY"]
        opened.seek(0)
        options = {"read_dictionary": texts, "buffer_size": 2**20, "pre_buffer": False}
        with pq.ParquetFile(opened, **options) as file:
            row = 1 + sum(file.metadata.row_group(i).num_rows for i in range(start))
            groups, given = list(range(file.num_row_groups)[start:stop]), 0
            for coded in file.iter_batches(size, groups, list(columns) if columns else None, use_threads=False):
                given += dense_size(coded, 1)
                check_inflation(path, given, on_disk)
                for batch in small_batches(coded, path):
                    yield row, batch
                    row += batch.num_rows


def arrow_batches(path: str | Path, columns: Sequence[str] | None) -> Iterator[tuple[int, Any]]:
    """(number of the first row, batch) of an Arrow file or stream, in pieces that fit into memory.

    A file is a stream with a word before it and an index behind it: the index is not needed, and so cannot mislead.

    Raises:
        ScriptError: no regular file, or rows that are larger than the file explains.
        pyarrow.ArrowException, OSError: it is damaged.
    """
    import pyarrow as pa

    with open_input(path) as opened:
        on_disk, begin = opened.seek(0, 2), 8 if opened.seek(0) == 0 and opened.read(6) == b"ARROW1" else 0
    with pa.memory_map(str(path)) as file:
        file.seek(begin)
        unpacked = 0
        for message in pa.ipc.MessageReader.open_stream(file):
            unpacked += unpacked_size(message)
            check_inflation(path, unpacked, on_disk)
        index = 10 if begin else 0  # the size of the index, and a word, are its last ten bytes
        if begin and on_disk > 18:
            end = file.tell()
            file.seek(on_disk - 10)
            index += int.from_bytes(file.read(4), "little")
            file.seek(end)
        if file.read(max(0, on_disk - file.tell() - index)).strip(b"\0"):
            raise pa.ArrowInvalid("something stands behind the end of its rows")
        file.seek(begin)
        row, given = 1, 0
        for coded in pa.ipc.open_stream(file):
            refuse_equal_names(coded.schema)
            wanted = coded.select(list(columns)) if columns else coded
            if odd := [str(field.type) for field in wanted.schema if not is_plain_type(field.type)]:
                raise pa.ArrowInvalid(f"columns of {odd[0][:80]} are not read")
            for column in wanted.columns:  # what is no UTF-8 is told later, of each row
                column.view(changed_type(column.type, bytes_of_text)).validate(full=True)
            given += dense_size(wanted, 1)
            check_inflation(path, given, on_disk)
            for batch in small_batches(wanted, path):
                yield row, batch
                row += batch.num_rows


def refuse_equal_names(schema: Any) -> None:
    """pyarrow.ArrowInvalid where two columns, or two fields of one, have one name: a row could only give one."""
    import pyarrow as pa

    pending = [pa.struct(list(schema))]
    while pending:
        kind = pending.pop()
        pending += [kind.field(k).type for k in range(kind.num_fields)] if pa.types.is_nested(kind) else []
        names = [kind.field(k).name for k in range(kind.num_fields)] if pa.types.is_struct(kind) else []
        if doubled := [name for name in names if names.count(name) > 1]:
            raise pa.ArrowInvalid(f"two columns are named {doubled[0][:80]!r}")


def unpacked_size(message: Any) -> int:
    """Bytes of an Arrow message's buffers when they are unpacked, as it declares them itself.

    The layout is that of Arrow's format/Message.fbs, a table of FlatBuffers; pyarrow unpacks before it can be asked.
    Raises pyarrow.ArrowInvalid for a message without that layout.
    """
    import pyarrow as pa

    about, body = memoryview(message.metadata), memoryview(message.body)

    def number(form: str, place: int) -> int:
        return struct.unpack_from(form, about, place)[0]

    def field(table: int, which: int) -> int:
        layout = table - number("<i", table)
        offset = number("<H", layout + 4 + 2 * which) if 4 + 2 * which < number("<H", layout) else 0
        return table + offset if offset else 0

    def inner(place: int) -> int:
        return place + number("<I", place)

    try:
        if message.type not in ("record batch", "dictionary"):
            return len(body)
        batch = inner(field(inner(0), 2))
        batch = inner(field(batch, 1)) if message.type == "dictionary" else batch
        if not field(batch, 3):  # no compression
            return len(body)
        buffers = inner(field(batch, 2))
        places = [struct.unpack_from("<qq", about, buffers + 4 + 16 * k) for k in range(number("<I", buffers))]
        sizes = [struct.unpack_from("<q", body, offset)[0] if size else 0 for offset, size in places]
    except struct.error as error:
        raise pa.ArrowInvalid("a message without its layout") from error
    return sum(max(size, 0) for size in sizes)


def is_plain_type(kind: Any) -> bool:
    """Whether values of an Arrow type each have bytes of their own, so that their size is known before they are made.

    Run-end encodings and views stand for more than they hold; so may dictionaries of anything but texts.
    """
    import pyarrow as pa

    types = pa.types
    if types.is_dictionary(kind):
        return types.is_string(kind.value_type) or types.is_binary(kind.value_type)
    if types.is_nested(kind):
        known = types.is_struct(kind) or types.is_list(kind) or types.is_large_list(kind) or types.is_map(kind)
        known = known or types.is_fixed_size_list(kind)
        return known and all(is_plain_type(kind.field(k).type) for k in range(kind.num_fields))
    views = types.is_string_view(kind) or types.is_binary_view(kind) or types.is_run_end_encoded(kind)
    return not views and not isinstance(kind, pa.BaseExtensionType)


def small_batches(coded: Any, path: str | Path) -> Iterator[Any]:
    """A batch with its texts written out, in pieces that fit into memory."""
    size = dense_size(coded, OBJECT)
    if size > allowed(MAX_BATCH) and coded.num_rows > 1:
        half = coded.num_rows // 2
        yield from small_batches(coded.slice(0, half), path)
        yield from small_batches(coded.slice(half), path)
    elif size > allowed(MAX_BATCH):
        raise too_much(path, f"a row of {size / 1e6:,.0f} MB")
    else:
        import pyarrow as pa

        yield pa.RecordBatch.from_arrays([written_out(column) for column in coded.columns], coded.schema.names)


def dense_size(value: Any, each: int = 8) -> int:
    """Bytes that a batch or an array takes when its texts are written out, and the Python values made of it.

    each: bytes that a value has at least. A row, a list, a pair and what has no bytes of its own take 8 or more.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    own = max(each, 8) * (value.num_rows if isinstance(value, pa.RecordBatch) else len(value))
    if isinstance(value, pa.RecordBatch):
        inner = value.columns
    elif isinstance(value, pa.MapArray):  # its keys are those of all of the array that it is a slice of
        begin, end = (value.offsets[k].as_py() if len(value) else 0 for k in (0, -1))
        pairs = [child.slice(begin, end - begin) for child in (value.keys, value.items)]
        own, inner = own + max(each, 8) * (end - begin), pairs
    elif isinstance(value, pa.ListArray | pa.LargeListArray | pa.FixedSizeListArray):
        inner = [value.flatten()]
    elif isinstance(value, pa.StructArray):
        inner = value.flatten()
    elif isinstance(value, pa.DictionaryArray):
        if not (pa.types.is_string(value.dictionary.type) or pa.types.is_binary(value.dictionary.type)):
            return own + value.indices.nbytes + value.dictionary.nbytes
        lengths = pc.binary_length(value.dictionary).take(value.indices)
        return own + (pc.sum(lengths).as_py() or 0)
    else:
        size = value.get_total_buffer_size() if not len(value) else value.nbytes
        return max(size, each * len(value)) if size else own
    return own + sum(dense_size(child, each) for child in inner)


def written_out(array: Any) -> Any:
    """An array whose texts are texts again and not numbers into a dictionary."""
    import pyarrow as pa

    dense = changed_type(array.type, lambda kind: kind.value_type if pa.types.is_dictionary(kind) else kind)
    return array if dense == array.type else array.cast(dense)


def bytes_of_text(kind: Any) -> Any:
    """The type of the bytes of a text."""
    import pyarrow as pa

    return {pa.string(): pa.binary(), pa.large_string(): pa.large_binary()}.get(kind, kind)


def changed_type(kind: Any, change: Callable[[Any], Any]) -> Any:
    """The type with a change of each type in it."""
    import pyarrow as pa

    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(changed_type(field.type, change)) for field in kind])
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(changed_type(kind.value_type, change)))
    if pa.types.is_large_list(kind):
        return pa.large_list(kind.value_field.with_type(changed_type(kind.value_type, change)))
    return change(kind)
