"""Rows of several Parquet files, put in another order without holding them in memory.

DuckDB does it: what does not fit is sorted on disk. pyarrow sorts in memory only, and pandas needs
several times the memory of the table; Polars' streaming engine sorts on disk too, but has no limit
of memory to set. DuckDB is one wheel without dependencies, and the docs use it to read the tables.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa

from image_tags.tasks.adapters.files.errors import explain_temporary_files
from image_tags.tasks.adapters.files.table_files import ROW_GROUP, AnyTable, TableFile

MEMORY = "1GB"
"""What DuckDB may use before it goes to disk."""

THREADS = 2


def read_in_order(places: pa.Table, schema: pa.Schema, folder: Path) -> Iterator[pa.Table]:
    """The rows of some keys out of Parquet files, by the keys' places, in parts.

    Args:
        places: the first column is the key; `file` is the path of the file with its rows, and
            `place` is where they belong. Rows of a key keep their order in the file.
        schema: of the files; the result has the same.
        folder: for what does not fit in memory.

    Raises:
        TemporaryFilesFailed: there is no space for it, or a file is damaged.

    """
    key = places.column_names[0]
    files = places["file"].unique().to_pylist()
    columns = ", ".join(f'rows."{name}"' for name in schema.names)
    with open_database(folder) as database:
        database.register("places", places)
        query = database.sql(
            f"SELECT {columns} FROM read_parquet(?, filename = true, file_row_number = true) rows "  # noqa: S608 - names of ours
            f'JOIN places ON places."{key}" = rows."{key}" AND places.file = rows.filename '
            "ORDER BY places.place, rows.file_row_number",
            params=[files],
        )
        for batch in query.to_arrow_reader(ROW_GROUP):
            yield pa.Table.from_batches([batch]).cast(schema)


def add_table(database: duckdb.DuckDBPyConnection, name: str, table: AnyTable) -> None:
    """Let queries read a table under a name; one in a file stays there."""
    if isinstance(table, TableFile) and isinstance(table.source, Path):
        database.read_parquet(str(table.source)).create_view(name)
    else:
        database.register(name, table.select(table.column_names))


@contextmanager
def open_database(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a database in memory that goes to disk when it needs more, and never to the network.

    Raises:
        TemporaryFilesFailed: there is no space for it, or a file is damaged.

    """
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": MEMORY,
        "threads": str(THREADS),
        "temp_directory": str(folder),
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }
    with explain_temporary_files(folder), duckdb.connect(":memory:", config=config) as database:
        yield database
