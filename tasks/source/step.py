"""Reading the source: the user's table, its URL column and the links in it."""

import pyarrow as pa
from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from image_tags.tasks.adapters.files import files, tables
from image_tags.tasks.contracts.errors import UsageError
from image_tags.tasks.contracts.records import Link, Source, SourceRead
from image_tags.tasks.effects.metric import check_metrics
from image_tags.tasks.execution.resources import RunResources
from image_tags.tasks.execution.run_folder import save_links, stage
from image_tags.tasks.execution.task_options import timed
from image_tags.tasks.source.concat_tables import concat_tables
from image_tags.tasks.source.url_cells import is_attempt, links_in, looks_like_links

SAMPLE = 1000
"""Filled cells a column is judged by."""


@task(task_run_name="read {resources.settings.source}", cache_policy=NO_CACHE)
@timed
def read_source(resources: RunResources) -> SourceRead:
    """Read the source and stage it with its links: `source.parquet`, `links.parquet`."""
    store, run, settings = resources.store, resources.run, resources.settings
    source = resources.take_source()
    if source is None:
        source = load_source(settings.source, settings.url_column, settings.store)
        check_metrics(source.table, settings.metric)
    links = links_of(source.table, source.url_column)
    stage(store, run, "source", source.table)
    save_links(store, run, links)
    found = " (found by looking at the values)" if source.guessed else ""
    logger = get_run_logger()
    logger.info(
        "%d rows, %d links in column %r%s",
        source.table.num_rows,
        len(links),
        source.url_column,
        found,
    )
    return SourceRead(source.table.num_rows, len(links), source.url_column, source.guessed)


def load_source(address: str, url_column: str | None, store: str | None = None) -> Source:
    """Read the file, folder or pattern at the address; what lies in the store is no part of a
    folder.

    Raises:
        UsageError: nothing there, not a table, no rows, no such column, or no links.
    """
    table = concat_tables(_tables(files.expand_address(address, store)))
    if table.num_rows == 0:
        raise UsageError(f"The source {address!r} has column names but no rows.")
    return Source(table, find_url_column(table, url_column), guessed=url_column is None)


def find_url_column(table: pa.Table, wanted: str | None) -> str:
    """The column with the links: the one asked for, or the one with the largest share of cells that
    hold only links.

    Raises:
        UsageError: there is no such column, or no column with links.
    """
    names = table.column_names
    listed = ", ".join(repr(name) for name in names[:20]) + (", ..." if len(names) > 20 else "")
    if wanted is not None:
        if wanted not in names:
            raise UsageError(f"There is no column {wanted!r} in the source; it has {listed}.")
        if not any(is_attempt(link) for cell in _cells(table, wanted) for link in links_in(cell)):
            raise UsageError(
                f"There are no links in the column {wanted!r}: nothing in it starts with http:// or https://."
            )
        return wanted
    shares = {name: _share_of_links(table, name) for name in names}
    best = max(shares, key=lambda name: shares[name], default=None)
    if best is None or shares[best] == 0:
        raise UsageError(
            f"No column of the source holds links; it has {listed}. Name one with --url-column."
        )
    return str(best)


def links_of(table: pa.Table, url_column: str) -> list[Link]:
    """Every link of the column, in order of row and position."""
    return [
        Link(row, position, url)
        for row, cell in enumerate(_cells(table, url_column))
        for position, url in enumerate(links_in(cell))
    ]


def _cells(table: pa.Table, name: str) -> list[object]:
    return list(table.column(name).to_pylist())


def _share_of_links(table: pa.Table, name: str) -> float:
    column = table.column(name).drop_null()
    cells = [cell for cell in column.slice(0, SAMPLE).to_pylist() if cell not in ("", [])]
    return sum(looks_like_links(cell) for cell in cells) / len(cells) if cells else 0.0


def _tables(names: list[str]) -> list[pa.Table]:
    """Each file as a table; one that is empty, as it may have just been begun, says nothing beside
    others.
    """
    parts: list[pa.Table] = []
    empty: UsageError | None = None
    for name in names:
        try:
            parts.append(tables.table_from(name, files.read_bytes(name)))
        except tables.EmptyFile as error:
            empty = error
    if empty and not parts:
        raise empty
    return parts
