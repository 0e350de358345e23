"""Parquet tables on this machine that are too large for memory, read and written in parts.

A reader asks for the columns and rows that it needs and drops them afterwards. Texts that repeat
(image ids, names) can be read as codes into a dictionary: 5 million image ids are 340 MB as texts
and 20 MB as codes.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from image_tags.tasks.adapters.files.errors import explain_damage, explain_temporary_files

ROW_GROUP = 1 << 17
"""Rows of a row group, which is what is in memory while a table is read or written."""


class TableFile:
    """A Parquet table, whose columns are read when they are asked for and not kept."""

    def __init__(self, source: Path | bytes) -> None:
        """Read the schema; DamagedTable if this is not a whole Parquet file."""
        self.source = source
        self._encoded: dict[str, pa.DictionaryArray] = {}
        with self._open() as file:
            self.schema: pa.Schema = file.schema_arrow.remove_metadata()
            self.num_rows: int = file.metadata.num_rows

    @property
    def column_names(self) -> list[str]:
        """The columns, in order."""
        return list(self.schema.names)

    def __getitem__(self, name: str) -> pa.ChunkedArray:
        """One column; KeyError if there is none of the name."""
        return self.select([name])[name]

    def select(self, names: Sequence[str]) -> pa.Table:
        """Some columns; KeyError if one is missing."""
        self._require(names)
        with self._open() as file:
            return file.read(columns=list(names)).select(list(names)).replace_schema_metadata(None)

    def encode(self, name: str) -> pa.DictionaryArray:
        """A column as codes into its distinct values; KeyError if there is none of the name.

        It is kept: keys are asked for again and again, and are small in this form.
        """
        if name not in self._encoded:
            self._encoded[name] = self._encode(name)
        return self._encoded[name]

    def _encode(self, name: str) -> pa.DictionaryArray:
        self._require([name])
        with self._open([name]) as file:
            return encode_column(file.read(columns=[name])[name])

    def iterate(
        self, names: Sequence[str] | None = None, rows: int | None = None
    ) -> Iterator[pa.Table]:
        """The rows in parts (by default ROW_GROUP each); KeyError if a column is missing."""
        wanted = self.column_names if names is None else list(names)
        self._require(wanted)
        with self._open() as file:
            for batch in file.iter_batches(
                rows or ROW_GROUP, columns=None if names is None else wanted
            ):
                part = pa.Table.from_batches([batch]).select(wanted)
                yield part.replace_schema_metadata(None)

    def iterate_groups(self, key: str, names: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """The rows in parts that never separate neighbours with the same key."""
        left: pa.Table | None = None
        for part in self.iterate(names):
            whole = part if left is None else pa.concat_tables([left, part])
            keys = whole[key]
            # The last key may go on in the next part.
            different = pc.not_equal(keys, keys[-1])
            end = len(keys) - int(np.argmax(different.to_numpy()[::-1])) if _any(different) else 0
            if end:
                yield whole.slice(0, end)
            left = whole.slice(end)
        if left is not None and left.num_rows:
            yield left

    def _require(self, names: Sequence[str]) -> None:
        if missing := [name for name in names if name not in self.schema.names]:
            raise KeyError(f"there is no column {missing[0]!r}")

    @contextmanager
    def _open(self, dictionaries: Sequence[str] = ()) -> Iterator[pq.ParquetFile]:
        source = self.source
        given = pa.BufferReader(source) if isinstance(source, bytes) else source
        with explain_damage(), pq.ParquetFile(given, read_dictionary=list(dictionaries)) as file:
            yield file


class TableWriter:
    """Writes a Parquet table part by part, in row groups of equal size.

    The same rows give the same bytes, however they are divided into parts.
    """

    def __init__(self, file: pq.ParquetWriter, schema: pa.Schema) -> None:
        self.rows = 0
        self._file, self._schema = file, schema
        self._waiting: list[pa.Table] = []
        self._held = 0

    def append(self, part: pa.Table) -> None:
        """Add rows; the schema must be the table's."""
        self.rows += part.num_rows
        self._waiting.append(part.cast(self._schema) if part.schema != self._schema else part)
        self._held += part.num_rows
        while self._held >= ROW_GROUP:
            self._write(ROW_GROUP)

    def finish(self) -> None:
        """Write what is left."""
        if self._held:
            self._write(self._held)

    def _write(self, rows: int) -> None:
        whole = pa.concat_tables(self._waiting)
        self._file.write_table(whole.slice(0, rows).combine_chunks(), row_group_size=ROW_GROUP)
        self._waiting = [whole.slice(rows)]
        self._held -= rows


AnyTable: TypeAlias = pa.Table | TableFile
"""A table in memory or in a file; both give columns by `select`."""


def iterate_parts(table: AnyTable, names: Sequence[str]) -> Iterator[pa.Table]:
    """Some columns in parts; one in memory is a single part."""
    if isinstance(table, TableFile):
        yield from table.iterate(names)
    else:
        yield table.select(list(names))


def iterate_groups(table: AnyTable, key: str, names: Sequence[str]) -> Iterator[pa.Table]:
    """As `iterate_parts`, but neighbours with the same key are never separated."""
    if isinstance(table, TableFile):
        yield from table.iterate_groups(key, names)
    else:
        yield table.select(list(names))


def find_rows(
    table: AnyTable, names: Sequence[str], column: str, values: Iterable[object]
) -> pa.Table:
    """Some columns of the rows whose `column` is one of the values; only those stay in memory."""
    wanted = pa.array(list(values), table.schema.field(column).type)
    found = [
        part.filter(pc.is_in(part[column], value_set=wanted)).select(list(names))
        for part in iterate_parts(table, list(dict.fromkeys([*names, column])))
    ]
    empty = pa.schema([table.schema.field(name) for name in names]).empty_table()
    return pa.concat_tables([empty.replace_schema_metadata(None), *found])


def take_rows(table: AnyTable, names: Sequence[str], places: Sequence[int]) -> pa.Table:
    """Some columns of the rows at some places, in that order; only those stay in memory."""
    wanted = np.unique(np.asarray(places, dtype="int64"))
    found, start = [], 0
    for part in iterate_parts(table, names):
        here = wanted[(wanted >= start) & (wanted < start + part.num_rows)]
        found.append(part.take(pa.array(here - start)))
        start += part.num_rows
    order = np.searchsorted(wanted, np.asarray(places, dtype="int64"))
    return pa.concat_tables(found).take(pa.array(order)) if found else table.select(list(names))


def encode_column(column: pa.ChunkedArray) -> pa.DictionaryArray:
    """A column in memory as codes into its distinct values."""
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    if column.num_chunks == 0:
        return pa.array([], column.type)
    return column.unify_dictionaries().combine_chunks()


@contextmanager
def write_table_file(path: Path, schema: pa.Schema) -> Iterator[TableWriter]:
    """A zstd-compressed Parquet file, written part by part; StopRun if there is no space for it."""
    with (
        explain_temporary_files(path.parent),
        pq.ParquetWriter(path, schema, compression="zstd") as file,
    ):
        writer = TableWriter(file, schema)
        yield writer
        writer.finish()


def _any(flags: pa.ChunkedArray) -> bool:
    return bool(pc.any(flags).as_py())
