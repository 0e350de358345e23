"""Concatenate the tables of several files without changing any value."""

from collections.abc import Sequence

import pyarrow as pa

from image_tags.tasks.adapters.files.value_text import value_text


def concat_tables(parts: Sequence[pa.Table]) -> pa.Table:
    """Concatenate tables; a missing column becomes null, one of differing types becomes text."""
    if len(parts) == 1:
        return parts[0]
    names = list(dict.fromkeys(name for part in parts for name in part.column_names))
    return pa.table(
        [_concat_columns([_column_or_nulls(part, name) for part in parts]) for name in names],
        names=names,
    )


def _column_or_nulls(part: pa.Table, name: str) -> pa.ChunkedArray:
    return part.column(name) if name in part.column_names else _null_column(part.num_rows)


def _concat_columns(columns: Sequence[pa.ChunkedArray]) -> pa.ChunkedArray:
    """Concatenate columns. Those without any value do not decide the type, unless all are empty."""
    if any(column.null_count < len(column) for column in columns):
        columns = [
            column if column.null_count < len(column) else _null_column(len(column))
            for column in columns
        ]
    try:
        return _concat_promoted(columns)
    except (
        pa.ArrowException
    ):  # also where a number would change: an id of 19 digits together with 0.5
        return _concat_promoted([_text_column(column) for column in columns])


def _concat_promoted(columns: Sequence[pa.ChunkedArray]) -> pa.ChunkedArray:
    parts = [pa.table([column], names=["column"]) for column in columns]
    return pa.concat_tables(parts, promote_options="permissive").column(0)


def _null_column(rows: int) -> pa.ChunkedArray:
    return pa.chunked_array([pa.nulls(rows)])


def _text_column(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pa.chunked_array(
        [pa.array([value_text(value) for value in column.to_pylist()], pa.string())]
    )
