"""Tables as CSV: what a list or a nested value says is JSON text in its cell; an empty cell is
null, `""` an empty text.
"""

import base64
import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

CSV = "text/csv; charset=utf-8"

FORMULA = r"^[=+\-@\t\r]"
"""What makes a spreadsheet take a text for a formula (OWASP, "CSV Injection")."""


def csv_bytes(table: pa.Table, *, for_spreadsheets: bool = False) -> bytes:
    """The table as one CSV file in UTF-8, a header and then its rows, commas, every text in quotes.

    Args:
        table: any table, also with columns of the user's own.
        for_spreadsheets: put an apostrophe before texts that a spreadsheet would run as a formula.
            That changes them, so it is not the default: a file for machines says what the table
            says.
    """
    columns = [_plain(column, for_spreadsheets) for column in table.columns]
    names = [_harmless(name) if for_spreadsheets else name for name in table.column_names]
    sink = io.BytesIO()
    pyarrow.csv.write_csv(
        pa.table(columns, names=names), sink, pyarrow.csv.WriteOptions(quoting_style="needed")
    )
    return sink.getvalue()


def _plain(column: pa.ChunkedArray, for_spreadsheets: bool) -> pa.ChunkedArray:
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _plain(column.cast(kind.value_type), for_spreadsheets)
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return column
    if pa.types.is_time(kind):
        column = column.cast(pa.string())  # Python's own times know no nanoseconds
    elif not (
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    ):
        texts = [None if value is None else _text(value) for value in column.to_pylist()]
        column = pa.chunked_array([pa.array(texts, pa.string())])
    if for_spreadsheets:
        column = pc.if_else(
            pc.match_substring_regex(column, FORMULA),
            pc.binary_join_element_wise("'", column, ""),
            column,
        )
    return column


def _harmless(name: str) -> str:
    return f"'{name}" if name[:1] in tuple("=+-@\t\r") else name


def _text(value: Any) -> str:
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, default=_text)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return str(value)
