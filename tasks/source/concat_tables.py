"""Tables of several files as one, with no value changed on the way."""

import json
from collections.abc import Sequence

import pyarrow as pa


def stacked(parts: Sequence[pa.Table]) -> pa.Table:
    """Several tables under one another; a column that a part lacks is null there, one whose types
    differ becomes text.
    """
    if len(parts) == 1:
        return parts[0]
    names = list(dict.fromkeys(name for part in parts for name in part.column_names))
    return pa.table(
        [_joined([_column_of(part, name) for part in parts]) for name in names], names=names
    )


def _column_of(part: pa.Table, name: str) -> pa.ChunkedArray:
    return part.column(name) if name in part.column_names else _nulls(part.num_rows)


def _joined(columns: Sequence[pa.ChunkedArray]) -> pa.ChunkedArray:
    """Columns under one another.

    One without a value has no say in the type, unless none has any.
    """
    if any(column.null_count < len(column) for column in columns):
        columns = [
            column if column.null_count < len(column) else _nulls(len(column)) for column in columns
        ]
    try:
        return _under(columns)
    except (
        pa.ArrowException
    ):  # also where a number would not survive: an id of 19 digits beside a 0.5
        return _under([_as_text(column) for column in columns])


def _under(columns: Sequence[pa.ChunkedArray]) -> pa.ChunkedArray:
    parts = [pa.table([column], names=["column"]) for column in columns]
    return pa.concat_tables(parts, promote_options="permissive").column(0)


def _nulls(rows: int) -> pa.ChunkedArray:
    return pa.chunked_array([pa.nulls(rows)])


def _as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array([_text(value) for value in column.to_pylist()], pa.string())])


def _text(value: object) -> str | None:
    if isinstance(value, list | dict | bool):
        return json.dumps(value, ensure_ascii=False, default=str)
    return None if value is None else str(value)
