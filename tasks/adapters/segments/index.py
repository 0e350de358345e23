"""Which entry of each key is the newest, over the segments that were read so far."""

from collections.abc import Collection

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

FEW = 32
"""Pieces up to which a search goes through each; above, they are joined."""


class Index:
    """Keys and times of entries, with the segment and row where each is.

    Held as Arrow columns, about 100 bytes per entry of a 64-character key. The caller locks.
    """

    def __init__(self, key: pa.DataType, time: pa.DataType) -> None:
        self.schema = pa.schema(
            {"key": key, "time": time, "segment": pa.int32(), "row": pa.int64()}
        )
        self._pieces: list[pa.Table] = []

    def __len__(self) -> int:
        return sum(piece.num_rows for piece in self._pieces)

    def snapshot(self) -> "Index":
        """The same, unmoved by what is added or dropped later."""
        copy = Index(self.schema.field("key").type, self.schema.field("time").type)
        copy._pieces = self._pieces
        return copy

    def add(self, segment: int, keys: pa.ChunkedArray, times: pa.ChunkedArray) -> None:
        """Take in the entries of a segment, in the order of its rows."""
        n = len(keys)
        numbers = pa.repeat(pa.scalar(segment, pa.int32()), n), pa.array(np.arange(n))
        piece = pa.table([keys, times, *numbers], schema=self.schema)
        self._pieces = [*self._pieces, piece]
        if len(self._pieces) > FEW:
            self._pieces = [pa.concat_tables(self._pieces).combine_chunks()]

    def drop(self, segments: Collection[int]) -> None:
        """Forget the entries of some segments."""
        gone = pa.array(list(segments), pa.int32())
        kept = [
            piece.filter(pc.invert(pc.is_in(piece["segment"], value_set=gone)))
            for piece in self._pieces
        ]
        self._pieces = [piece for piece in kept if piece.num_rows]

    def find(self, keys: Collection[str] | None = None) -> pa.Table:
        """The newest entry of each key, or of those keys that have one: columns as in `schema`.

        Of two entries of one time, either may be given: they are copies of one another.
        """
        pieces = self._pieces
        if keys is not None:
            wanted = pa.array(keys, self.schema.field("key").type)
            pieces = [piece.filter(pc.is_in(piece["key"], value_set=wanted)) for piece in pieces]
        found = pa.concat_tables([self.schema.empty_table(), *pieces])
        if pc.count_distinct(found["key"]).as_py() == found.num_rows:
            return found
        ordered = found.sort_by(
            [("time", "ascending"), ("segment", "ascending"), ("row", "ascending")]
        )
        names = ["time", "segment", "row"]
        newest = ordered.group_by("key", use_threads=False).aggregate([(n, "last") for n in names])
        return newest.rename_columns(
            [name.removesuffix("_last") for name in newest.column_names]
        ).select(self.schema.names)
