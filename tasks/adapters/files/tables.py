"""Tables as bytes: CSV, TSV, JSON Lines and Parquet in, Parquet out.

Nothing in a cell is changed on the way. docs/sources.md describes what is guessed.
"""

import gzip
import io
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from image_tags.tasks.adapters.files.column_types import unique_names
from image_tags.tasks.adapters.files.errors import EmptyFile, explain_damage
from image_tags.tasks.adapters.files.json_tables import (
    begins_like_json,
    is_json,
    is_json_name,
    read_json,
)
from image_tags.tasks.adapters.files.text_tables import read_delimited
from image_tags.tasks.contracts.errors import UsageError

UNREAD = {b"BZh91AY&SY": "bzip2", b"\xfd7zXZ\0": "xz", b"\x28\xb5\x2f\xfd": "zstd"}
"""First bytes of files that are packed in a way that is not read here."""

UTF_16 = (b"\xff\xfe", b"\xfe\xff")
"""Byte order marks of UTF-16."""

MAX_NULS = 0.2
"""Share of NUL characters above which bytes are not text: in UTF-16 every other byte is one."""


@dataclass(frozen=True)
class TableRead:
    """A file's table, and what was guessed about it, as sentences."""

    table: pa.Table
    remarks: tuple[str, ...] = ()


def read_table(
    name: str, data: bytes, *, header: bool | None = None, delimiter: str | None = None
) -> TableRead:
    """Read one file as an Arrow table; the name's ending is a hint, its bytes decide.

    Text columns of CSV and TSV become numbers only where every number, written again, is the same
    text.

    Args:
        name: of the file.
        data: its bytes, perhaps packed by gzip.
        header: whether the first row of a text table holds column names; None: found by looking.
        delimiter: what separates the cells of a text table; None: found by looking.

    Raises:
        EmptyFile: nothing is in it.
        UsageError: it is not a table.
    """
    data = _unpacked(name, data)
    if not data.strip():
        raise EmptyFile(f"The file {name!r} is empty.")
    if data[:4] == b"PAR1":
        return TableRead(_parquet(name, data))
    plain = name.lower().removesuffix(".gz")
    if plain.endswith((".parquet", ".pq")):
        raise UsageError(f"The file {name!r} is not a Parquet file.")
    text = _text(name, data)
    guessed = ["The text is in UTF-16, as its first bytes say."] if data[:2] in UTF_16 else []
    called_csv = plain.endswith((".csv", ".tsv"))
    if called_csv and is_json(text):
        guessed.append("The file holds JSON, whatever its name says.")
        table, remarks = read_json(name, text)
    elif is_json_name(plain) or (not called_csv and (begins_like_json(text) or is_json(text))):
        table, remarks = read_json(name, text)
    else:
        table, remarks = read_delimited(name, text, header, delimiter)
    return TableRead(table, (*guessed, *remarks))


def parquet_bytes(table: pa.Table) -> bytes:
    """The table as one Parquet file, zstd-compressed; the same table gives the same bytes."""
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def parquet_table(data: bytes, columns: Sequence[str] | None = None) -> pa.Table:
    """A Parquet file of ours as an Arrow table; DamagedTable if it is none."""
    with explain_damage():
        return pq.read_table(io.BytesIO(data), columns=None if columns is None else list(columns))


def _unpacked(name: str, data: bytes) -> bytes:
    for start, packer in UNREAD.items():
        if data.startswith(start):
            raise UsageError(f"The file {name!r} is packed by {packer}; only gzip is read.")
    if data.startswith(b"PK\x03\x04"):
        raise UsageError(
            f"The file {name!r} is a zip archive or a spreadsheet, not a table: save it as CSV."
        )
    if not data.startswith(b"\x1f\x8b"):
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error):
        raise UsageError(f"The file {name!r} is not a whole gzip file.") from None


def _text(name: str, data: bytes) -> str:
    encoding = "utf-16" if data[:2] in UTF_16 else "utf-8-sig"
    try:
        text = data.decode(encoding).removesuffix("\x1a")  # CP/M's and DOS's end of a file
    except UnicodeDecodeError:
        text = "\0"
    if text.count("\0") > MAX_NULS * len(text):
        raise UsageError(
            f"The file {name!r} is not a table: it is neither Parquet nor text in UTF-8 "
            "(save other encodings as that)."
        )
    return text


def _parquet(name: str, data: bytes) -> pa.Table:
    try:
        # Unlike pq.read_table, it takes two columns of one name.
        table = pq.ParquetFile(io.BytesIO(data)).read()
    except (pa.ArrowException, OSError):
        raise UsageError(f"The file {name!r} is a damaged Parquet file.") from None
    return pa.table(
        list(map(_rows_can_be_taken, table.columns)), names=unique_names(table.column_names)
    )


def _rows_can_be_taken(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column with plain text and bytes instead of views: Arrow takes no rows from those yet."""
    plain = _without_views(column.type)
    return column if plain == column.type else column.cast(plain)


def _without_views(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_string_view(kind) or pa.types.is_binary_view(kind):
        return pa.string() if pa.types.is_string_view(kind) else pa.binary()
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(_without_views(kind.value_type)))
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_without_views(field.type)) for field in kind])
    return kind
