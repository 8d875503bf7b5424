"""Parquet files of others: a few rows at a time, and never more of them in memory than is honest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from parts.inputs import MAX_BATCH, allowed, check_inflation, open_input, too_much

MAX_COLUMNS = 10_000


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
            leaves = [file.schema.column(i) for i in range(file.metadata.num_columns)]
            texts = [leaf.path for leaf in leaves if leaf.physical_type == "BYTE_ARRAY"]
        opened.seek(0)
        options = {"read_dictionary": texts, "buffer_size": 2**20, "pre_buffer": False}
        with pq.ParquetFile(opened, **options) as file:
            row = 1 + sum(file.metadata.row_group(i).num_rows for i in range(start))
            groups, given = list(range(file.num_row_groups)[start:stop]), 0
            for coded in file.iter_batches(size, groups, list(columns) if columns else None, use_threads=False):
                given += dense_size(coded)
                check_inflation(path, given, on_disk)
                for batch in small_batches(coded, path):
                    yield row, batch
                    row += batch.num_rows


def small_batches(coded: Any, path: str | Path) -> Iterator[Any]:
    """A batch with its texts written out, in pieces that fit into memory."""
    if dense_size(coded) > allowed(MAX_BATCH) and coded.num_rows > 1:
        half = coded.num_rows // 2
        yield from small_batches(coded.slice(0, half), path)
        yield from small_batches(coded.slice(half), path)
    elif dense_size(coded) > allowed(MAX_BATCH):
        raise too_much(path, f"a row of {dense_size(coded) / 1e6:,.0f} MB")
    else:
        import pyarrow as pa

        yield pa.RecordBatch.from_arrays([written_out(column) for column in coded.columns], coded.schema.names)


def dense_size(value: Any) -> int:
    """Bytes that a batch or an array takes when its texts are written out."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if isinstance(value, pa.RecordBatch):
        return sum(map(dense_size, value.columns))
    if isinstance(value, pa.DictionaryArray):
        if not (pa.types.is_string(value.dictionary.type) or pa.types.is_binary(value.dictionary.type)):
            return value.indices.nbytes + value.dictionary.nbytes
        lengths = pc.binary_length(value.dictionary).take(value.indices)
        return 4 * len(value) + (pc.sum(lengths).as_py() or 0)
    if isinstance(value, pa.ListArray | pa.LargeListArray | pa.MapArray):
        return 8 * len(value) + dense_size(value.flatten() if not isinstance(value, pa.MapArray) else value.items)
    if isinstance(value, pa.StructArray):
        return sum(map(dense_size, value.flatten()))
    return value.get_total_buffer_size() if not len(value) else value.nbytes


def written_out(array: Any) -> Any:
    """An array whose texts are texts again and not numbers into a dictionary."""
    dense = dense_type(array.type)
    return array if dense == array.type else array.cast(dense)


def dense_type(kind: Any) -> Any:
    """The type without dictionaries."""
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        return dense_type(kind.value_type)
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(dense_type(field.type)) for field in kind])
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(dense_type(kind.value_type)))
    if pa.types.is_large_list(kind):
        return pa.large_list(kind.value_field.with_type(dense_type(kind.value_type)))
    return kind
