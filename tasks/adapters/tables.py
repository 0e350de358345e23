"""Tables as bytes: CSV, TSV, JSON Lines and Parquet in, Parquet out. Nothing in a cell is changed on the way."""

import csv
import gzip
import io
import json
import re
import sys
import zlib
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.contracts.errors import UsageError

UNREAD = {b"BZh91AY&SY": "bzip2", b"\xfd7zXZ\0": "xz", b"\x28\xb5\x2f\xfd": "zstd"}
"""How files begin that are packed by what is not read here."""

INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")


class EmptyFile(UsageError):
    """A file with nothing in it."""


def table_from(name: str, data: bytes) -> pa.Table:
    """One file as an Arrow table; the name's ending says what it should be, its bytes decide.

    Text columns of CSV and TSV become numbers only where every number, written out again, is the same text.

    Raises:
        EmptyFile: nothing is in it.
        UsageError: it is not a table.
    """
    data = _unpacked(name, data)
    if not data.strip():
        raise EmptyFile(f"The file {name!r} is empty.")
    if data[:4] == b"PAR1":
        return _parquet(name, data)
    plain = name.lower().removesuffix(".gz")
    if plain.endswith((".parquet", ".pq")):
        raise UsageError(f"The file {name!r} is not a Parquet file.")
    text = _text(name, data)
    if plain.endswith((".jsonl", ".ndjson", ".json")) or (
        not plain.endswith((".csv", ".tsv")) and text.lstrip()[:1] == "{"
    ):
        return _json_lines(name, text)
    first = text.lstrip("\r\n").split("\n", 1)[0]
    tabs = plain.endswith(".tsv") or (not plain.endswith(".csv") and "\t" in first)
    return _separated(name, text, "\t" if tabs else ",")


def parquet_bytes(table: pa.Table) -> bytes:
    """The table as one Parquet file, zstd-compressed; the same table gives the same bytes."""
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def parquet_table(data: bytes, columns: Sequence[str] | None = None) -> pa.Table:
    """A Parquet file of ours as an Arrow table."""
    return pq.read_table(io.BytesIO(data), columns=None if columns is None else list(columns))


def _unpacked(name: str, data: bytes) -> bytes:
    for start, packer in UNREAD.items():
        if data.startswith(start):
            raise UsageError(f"The file {name!r} is packed by {packer}; only gzip is read.")
    if data.startswith(b"PK\x03\x04"):
        raise UsageError(f"The file {name!r} is a zip archive or a spreadsheet, not a table: save it as CSV.")
    if not data.startswith(b"\x1f\x8b"):
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error):
        raise UsageError(f"The file {name!r} is not a whole gzip file.") from None


def _text(name: str, data: bytes) -> str:
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        raise UsageError(f"The file {name!r} is not a table: it is neither Parquet nor text in UTF-8.") from None
    if "\0" in text:
        raise UsageError(f"The file {name!r} is not a table: it is neither Parquet nor text.")
    return text


def _parquet(name: str, data: bytes) -> pa.Table:
    try:
        # Not read_table, which takes no two columns of one name.
        table = pq.ParquetFile(io.BytesIO(data)).read()
    except (pa.ArrowException, OSError):
        raise UsageError(f"The file {name!r} is a damaged Parquet file.") from None
    return table.rename_columns(unique_names(table.column_names))


def _separated(name: str, text: str, separator: str) -> pa.Table:
    lines = _lines(name, text, separator)
    header, rows = lines[0], lines[1:]
    for number, row in enumerate(rows, 1):
        if len(row) > len(header):
            raise UsageError(
                f"The file {name!r} is not a table: row {number} has {len(row)} cells under {len(header)} column names "
                f"(a cell with a {'tab' if separator != ',' else 'comma'} in it must be quoted)."
            )
        row.extend([""] * (len(header) - len(row)))
    columns = [_typed([row[place] for row in rows]) for place in range(len(header))]
    return pa.table(columns, names=unique_names(header))


def _lines(name: str, text: str, separator: str) -> list[list[str]]:
    csv.field_size_limit(sys.maxsize)
    for strict in (True, False):
        # A stray quote inside a cell is read as it stands; a quote that is never closed would swallow the rest.
        try:
            reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=strict)
            return [line for line in reader if line]
        except csv.Error as error:
            if "unexpected end of data" in str(error):
                raise UsageError(f"The file {name!r} is not a table: a quote is opened and never closed.") from None
    raise UsageError(f"The file {name!r} is not a table.")


def _json_lines(name: str, text: str) -> pa.Table:
    rows: list[dict[str, Any]] = []
    try:
        whole = json.loads(text) if text.lstrip()[:1] == "[" else None
        found = whole if isinstance(whole, list) else [json.loads(line) for line in text.split("\n") if line.strip()]
    except (json.JSONDecodeError, RecursionError) as error:
        raise UsageError(f"The file {name!r} is not JSON Lines: {_first_line(error)}.") from None
    for number, row in enumerate(found, 1):
        if not isinstance(row, dict):
            raise UsageError(f"The file {name!r} is not JSON Lines: record {number} is not an object.")
        rows.append(row)
    names = list(dict.fromkeys(key for row in rows for key in row))
    return pa.table([_column([row.get(key) for row in rows]) for key in names], names=names)


def _column(values: list[Any]) -> pa.Array:
    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError):
        # Mixed types in one column: each value as its JSON text, strings as they are.
        return pa.array([v if v is None or isinstance(v, str) else json.dumps(v, ensure_ascii=False) for v in values])


def _typed(values: list[str]) -> pa.Array:
    filled = [value for value in values if value != ""]
    if filled and all(INTEGER.fullmatch(value) and value != "-0" for value in filled):
        return pa.array([int(value) if value else None for value in values], pa.int64())
    if filled and all(_is_float(value) for value in filled):
        return pa.array([float(value) if value else None for value in values], pa.float64())
    return pa.array([value or None for value in values], pa.string())


def _is_float(text: str) -> bool:
    try:
        return repr(float(text)) == text or (
            INTEGER.fullmatch(text) is not None and text != "-0" and abs(int(text)) < 2**53
        )
    except ValueError:
        return False


def unique_names(names: Sequence[str]) -> list[str]:
    """The names, a later one of several equal ones with `.1`, `.2`, ... after it."""
    unique: list[str] = []
    for name in names:
        candidate, count = name, 0
        while candidate in unique or (count and candidate in names):
            count += 1
            candidate = f"{name}.{count}"
        unique.append(candidate)
    return unique


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0].rstrip(".")
