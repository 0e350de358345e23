"""Reading the source: the user's table, its URL column and the links in it."""

from dataclasses import dataclass

import pyarrow as pa

from tasks.adapters import files, tables
from tasks.cells import is_attempt, links_in, looks_like_links
from tasks.contracts.errors import UsageError
from tasks.contracts.records import Link

SAMPLE = 1000
"""Filled cells a column is judged by."""


@dataclass(frozen=True)
class Source:
    """A source that was read: the whole table, the column with the links, and whether that was found by looking."""

    table: pa.Table
    url_column: str
    guessed: bool


def load_source(address: str, url_column: str | None) -> Source:
    """Read the file, folder or pattern at the address.

    Raises:
        UsageError: nothing there, not a table, no rows, no such column, or no links.
    """
    parts = [tables.table_from(name, files.read_bytes(name)) for name in files.expand(address)]
    table = parts[0] if len(parts) == 1 else stacked(parts)
    if table.num_rows == 0:
        raise UsageError(f"The source {address!r} has column names but no rows.")
    return Source(table, find_url_column(table, url_column), guessed=url_column is None)


def stacked(parts: list[pa.Table]) -> pa.Table:
    """Several tables under one another; a column that a part lacks is null there, one whose types differ becomes text."""
    try:
        return pa.concat_tables(parts, promote_options="permissive")
    except pa.ArrowException:
        return pa.concat_tables([_as_text(part) for part in parts], promote_options="permissive")


def find_url_column(table: pa.Table, wanted: str | None) -> str:
    """The column with the links: the one asked for, or the one with the largest share of cells that hold only links.

    Raises:
        UsageError: there is no such column, or no column with links.
    """
    names = table.column_names
    listed = ", ".join(repr(name) for name in names[:20]) + (", ..." if len(names) > 20 else "")
    if wanted is not None:
        if wanted not in names:
            raise UsageError(f"There is no column {wanted!r} in the source; it has {listed}.")
        if not any(is_attempt(link) for cell in _cells(table, wanted) for link in links_in(cell)):
            raise UsageError(f"There are no links in the column {wanted!r}: nothing in it starts with http:// or https://.")
        return wanted
    shares = {name: _share_of_links(table, name) for name in names}
    best = max(shares, key=lambda name: shares[name], default=None)
    if best is None or shares[best] == 0:
        raise UsageError(f"No column of the source holds links; it has {listed}. Name one with --url-column.")
    return str(best)


def links_of(table: pa.Table, url_column: str) -> list[Link]:
    """Every link of the column, in order of row and position."""
    return [
        Link(row, position, url)
        for row, cell in enumerate(_cells(table, url_column))
        for position, url in enumerate(links_in(cell))
    ]


def distinct_urls(links: list[Link]) -> list[str]:
    """Each URL once, in order of first appearance."""
    return list(dict.fromkeys(link.url for link in links))


def _cells(table: pa.Table, name: str) -> list[object]:
    return list(table.column(name).to_pylist())


def _share_of_links(table: pa.Table, name: str) -> float:
    column = table.column(name).drop_null()
    cells = [cell for cell in column.slice(0, SAMPLE).to_pylist() if cell not in ("", [])]
    return sum(looks_like_links(cell) for cell in cells) / len(cells) if cells else 0.0


def _as_text(part: pa.Table) -> pa.Table:
    columns = [
        column if pa.types.is_string(column.type) else pa.array([None if v is None else str(v) for v in column.to_pylist()])
        for column in part.columns
    ]
    return pa.table(columns, names=part.column_names)
