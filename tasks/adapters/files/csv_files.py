"""Write tables as CSV. Nested values become JSON; an empty cell is null, `""` an empty text."""

import io
from collections.abc import Iterable
from typing import IO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from image_tags.tasks.adapters.files.value_text import value_text

CSV = "text/csv; charset=utf-8"

FORMULA = r"^[=+\-@\t\r]"
"""First characters by which a spreadsheet takes text for a formula (OWASP, "CSV Injection")."""


def csv_bytes(table: pa.Table, *, for_spreadsheets: bool = False) -> bytes:
    """Encode a table in memory as one CSV file; see `write_csv`."""
    sink = io.BytesIO()
    write_csv(sink, [table], table.schema, for_spreadsheets=for_spreadsheets)
    return sink.getvalue()


def write_csv(
    sink: IO[bytes], parts: Iterable[pa.Table], schema: pa.Schema, *, for_spreadsheets: bool = False
) -> None:
    """Write a table as CSV: UTF-8, a header line, commas, quotes where needed.

    Args:
        sink: a file to write to.
        parts: the table's rows, of which only a part is in memory.
        schema: the table's; it may have columns of the user's own.
        for_spreadsheets: put an apostrophe before text that a spreadsheet would run as a formula.
            That changes the text, so it is not the default: programs read these files too.
    """
    names = [_escape_formula(name) if for_spreadsheets else name for name in schema.names]

    def encode(part: pa.Table) -> pa.Table:
        columns = [_encode_column(column, for_spreadsheets) for column in part.columns]
        return pa.table(columns, names=names)

    options = pyarrow.csv.WriteOptions(quoting_style="needed")
    header = encode(schema.empty_table()).schema
    with pyarrow.csv.CSVWriter(sink, header, write_options=options) as writer:
        for part in parts:
            writer.write_table(encode(part))


def _encode_column(column: pa.ChunkedArray, for_spreadsheets: bool) -> pa.ChunkedArray:
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _encode_column(column.cast(kind.value_type), for_spreadsheets)
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return column
    if pa.types.is_time(kind):
        column = column.cast(pa.string())  # Python's own times have no nanoseconds
    elif not (
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    ):
        texts = [value_text(value) for value in column.to_pylist()]
        column = pa.chunked_array([pa.array(texts, pa.string())])
    if for_spreadsheets:
        column = pc.if_else(
            pc.match_substring_regex(column, FORMULA),
            pc.binary_join_element_wise("'", column, ""),
            column,
        )
    return column


def _escape_formula(name: str) -> str:
    return f"'{name}" if name[:1] in tuple("=+-@\t\r") else name
