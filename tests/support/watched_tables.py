"""Table files that remember what was read of them, in small parts."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from image_tags.tasks.adapters.files.table_files import TableFile

PART = 7
"""Rows of a part."""


class WatchedFile(TableFile):
    """A table in a file.

    Attributes:
        whole: columns that were in memory as a whole.
        in_parts: columns that were read part by part.

    """

    def __init__(self, path: Path, table: pa.Table) -> None:
        pq.write_table(table, path, row_group_size=PART)
        super().__init__(path)
        self.whole: set[str] = set()
        self.in_parts: set[str] = set()

    def select(self, names: Sequence[str]) -> pa.Table:
        """Remember the columns."""
        self.whole.update(names)
        return super().select(names)

    def iterate(
        self, names: Sequence[str] | None = None, rows: int | None = None
    ) -> Iterator[pa.Table]:
        """Remember the columns."""
        self.in_parts.update(self.column_names if names is None else names)
        return super().iterate(names, rows or PART)


def watch_tables(folder: Path, tables: dict[str, pa.Table]) -> dict[str, WatchedFile]:
    """Put tables into files below a folder."""
    return {name: WatchedFile(folder / f"{name}.parquet", table) for name, table in tables.items()}
