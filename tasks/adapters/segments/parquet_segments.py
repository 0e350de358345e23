"""Segments as bytes: written whole, read by column and by range."""

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from image_tags.tasks.adapters.store.store import Store
from image_tags.tasks.contracts.errors import ImageTagsError

WHOLE = 512 * 1024
"""Bytes up to which a segment is read with one request, whatever columns are wanted."""
ROW_GROUP = 5_000
"""Entries per row group: what is decoded at a time."""
_METADATA = b"image_tags"


class DamagedSegment(ImageTagsError):
    """The bytes are not a segment of this log."""


def encode_segment(table: pa.Table, metadata: Mapping[str, Any]) -> bytes:
    """A Parquet file with page checksums; `metadata` is kept in its footer as JSON."""
    about = {**(table.schema.metadata or {}), _METADATA: json.dumps(metadata).encode()}
    buffer = io.BytesIO()
    pq.write_table(
        table.replace_schema_metadata(about),
        buffer,
        compression="zstd",
        row_group_size=ROW_GROUP,
        write_page_checksum=True,
    )
    return buffer.getvalue()


def decode_segment(
    source: "bytes | SegmentFile",
    columns: Sequence[str],
    schema: pa.Schema,
    rows: pa.Array | None = None,
) -> pa.Table:
    """Some columns of a segment, cast to the log's schema.

    Args:
        source: the bytes, or a file that reads them as needed.
        columns: which; those that the segment lacks become nulls.
        schema: the log's.
        rows: the numbers of the rows wanted, ascending; by default all.

    Raises:
        DamagedSegment: it cannot be read, or does not fit the schema.

    """
    try:
        file = _open(source)
        wanted = [name for name in columns if name in file.schema_arrow.names]
        groups, rows = _row_groups(file.metadata, rows)
        found = file.read_row_groups(groups, columns=wanted, use_threads=False)
        if rows is not None:
            found = found.take(rows)
        return pa.table(
            {
                name: found[name].cast(schema.field(name).type)
                if name in wanted
                else pa.nulls(found.num_rows, schema.field(name).type)
                for name in columns
            }
        )
    except ImageTagsError:
        raise
    except (pa.ArrowException, OSError, ValueError, KeyError, EOFError) as error:
        if isinstance(source, SegmentFile) and source.error is not None:
            raise source.error from None
        raise DamagedSegment(f"{type(error).__name__}: {error}") from None


def check_segment(data: bytes) -> None:
    """Read every column of a segment and compare its checksums.

    Raises:
        DamagedSegment: it is not as it was written.

    """
    try:
        _open(data).read(use_threads=False)
    except (pa.ArrowException, OSError, ValueError, EOFError) as error:
        raise DamagedSegment(f"{type(error).__name__}: {error}") from None


def read_metadata(source: "bytes | SegmentFile") -> dict[str, Any]:
    """What `encode_segment` was given as metadata.

    Raises:
        DamagedSegment: it cannot be read.

    """
    try:
        about = _open(source).schema_arrow.metadata or {}
        found = json.loads(about.get(_METADATA, b"{}"))
        return found if isinstance(found, dict) else {}
    except (pa.ArrowException, OSError, ValueError) as error:
        if isinstance(source, SegmentFile) and source.error is not None:
            raise source.error from None
        raise DamagedSegment(f"{type(error).__name__}: {error}") from None


def open_segment(store: Store, key: str, size: int) -> "bytes | SegmentFile":
    """A small segment's bytes, or a file over a large one."""
    return store.read(key) if size <= WHOLE else SegmentFile(store, key, size)


class SegmentFile(io.RawIOBase):
    """A seekable file whose every read is a range of an object.

    Attributes:
        error: what the store raised, as pyarrow may disguise it.

    """

    def __init__(self, store: Store, key: str, size: int) -> None:
        super().__init__()
        self._store = store
        self._key = key
        self._size = size
        self._at = 0
        self.error: Exception | None = None

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move within the object."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = start + offset
        return self._at

    def tell(self) -> int:
        """Where the next read starts."""
        return self._at

    def size(self) -> int:
        """The object's bytes, counted."""
        return self._size

    def read(self, size: int = -1) -> bytes:
        """One request."""
        end = self._size if size < 0 else min(self._size, self._at + size)
        if end <= self._at:
            return b""
        try:
            data = self._store.read_range(self._key, self._at, end - self._at)
        except Exception as error:
            self.error = error
            raise
        self._at += len(data)
        return data


def _open(source: "bytes | SegmentFile") -> pq.ParquetFile:
    opened = pa.BufferReader(source) if isinstance(source, bytes) else pa.PythonFile(source, "r")
    return pq.ParquetFile(opened, page_checksum_verification=True, pre_buffer=True)


def _row_groups(about: pq.FileMetaData, rows: pa.Array | None) -> tuple[list[int], pa.Array | None]:
    """The row groups that hold some rows, and the rows' numbers within those."""
    if rows is None:
        return list(range(about.num_row_groups)), None
    groups, parts, start, kept = [], [], 0, 0
    for group in range(about.num_row_groups):
        length = about.row_group(group).num_rows
        inside = pc.and_(pc.greater_equal(rows, start), pc.less(rows, start + length))
        mine = rows.filter(inside)
        if len(mine):
            groups.append(group)
            parts.append(pc.add(mine, kept - start))
            kept += length
        start += length
    return groups, pa.concat_arrays(parts) if parts else rows.slice(0, 0)
