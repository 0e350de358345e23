"""Reading the source: the user's table, its URL column and the links in it."""

from collections.abc import Sequence

import pyarrow as pa
from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from image_tags.tasks.adapters.files import files
from image_tags.tasks.adapters.files.errors import EmptyFile
from image_tags.tasks.adapters.files.tables import TableRead, read_table
from image_tags.tasks.contracts.errors import UsageError
from image_tags.tasks.contracts.metrics import check_metrics
from image_tags.tasks.contracts.records import Link, Source, SourceRead
from image_tags.tasks.contracts.settings import SourceSettings
from image_tags.tasks.execution.resources import RunResources
from image_tags.tasks.execution.run_folder import save_links, stage
from image_tags.tasks.execution.task_options import timed
from image_tags.tasks.source.concat_tables import concat_tables
from image_tags.tasks.source.url_cells import links_in
from image_tags.tasks.source.url_column import choose_url_column


@task(task_run_name="read {resources.settings.source}", cache_policy=NO_CACHE)
@timed
def read_source(resources: RunResources) -> SourceRead:
    """Read the source and stage it with its links: `source.parquet`, `links.parquet`."""
    store, run, settings = resources.store, resources.run, resources.settings
    source = resources.take_source()
    if source is None:
        source = load_source_of(settings.only(SourceSettings), settings.store)
        check_metrics(source.table, settings.metric, settings.effect_cluster)
    links = links_of(source.table, source.url_column)
    stage(store, run, "source", source.table)
    save_links(store, run, links)
    logger = get_run_logger()
    logger.info(
        "%d rows, %d links in column %r", source.table.num_rows, len(links), source.url_column
    )
    for remark in source.remarks:
        logger.info("%s", remark)
    return SourceRead(
        source.table.num_rows, len(links), source.url_column, source.guessed, source.remarks
    )


def load_source_of(settings: SourceSettings, store: str | None) -> Source:
    """Read the source that the settings name; see `load_source`."""
    return load_source(
        settings.source,
        settings.url_column,
        store,
        header=settings.header,
        delimiter=settings.delimiter,
    )


def load_source(
    address: str,
    url_column: str | None,
    store: str | None = None,
    *,
    header: bool | None = None,
    delimiter: str | None = None,
) -> Source:
    """Read the file, folder or pattern at the address.

    A source without rows, or without a link in any row, is a table like any other: scheduled
    batches are empty at times.

    Args:
        address: of a file, a folder or a pattern; local or `s3://`.
        url_column: None: found by looking.
        store: files inside it are not part of a folder.
        header: whether the first line of text tables holds names; None: found by looking.
        delimiter: of text tables; None: found by looking.

    Raises:
        UsageError: nothing is there, it is not a table, or it is not clear which column is meant.
    """
    names = files.expand_address(address, store)
    parts = _read_files(names, header=header, delimiter=delimiter)
    table = concat_tables([part.table for part in parts.values()])
    if not table.column_names:
        table = pa.table({url_column or "url": pa.array([], pa.string())})
    return source_from_table(table, url_column, _remarks_on_files(parts))


def source_from_table(
    table: pa.Table, url_column: str | None, remarks: Sequence[str] = ()
) -> Source:
    """Make a table a source: choose its column with the links.

    Args:
        table: with or without rows.
        url_column: None: found by looking.
        remarks: on how the table was read.

    Raises:
        UsageError: there is no such column, none that holds links, or several that may be meant.
    """
    try:
        column = choose_url_column(table, url_column)
    except UsageError as error:
        # A guess may be the cause: a first line taken for data has other column names.
        raise UsageError(" ".join([str(error), *remarks])) from None
    sentences = [*remarks, *column.remarks]
    if table.num_rows == 0:
        sentences.append("The source has no rows: the tables are empty.")
    return Source(table, column.name, url_column is None, tuple(sentences))


def links_of(table: pa.Table, url_column: str) -> list[Link]:
    """List every link of the column, in order of row and position."""
    return [
        Link(row, position, url)
        for row, cell in enumerate(table.column(url_column).to_pylist())
        for position, url in enumerate(links_in(cell))
    ]


def _read_files(
    names: Sequence[str], *, header: bool | None, delimiter: str | None
) -> dict[str, TableRead]:
    """Read each file; empty ones, perhaps just being written, are skipped if others have rows."""
    parts: dict[str, TableRead] = {}
    empty: UsageError | None = None
    for name in names:
        try:
            data = files.read_bytes(name)
            parts[name] = read_table(name, data, header=header, delimiter=delimiter)
        except EmptyFile as error:
            empty = error
    if empty and not parts:
        raise empty
    return parts


def _remarks_on_files(parts: dict[str, TableRead]) -> list[str]:
    """What was guessed, each sentence once, with the file where there are several."""
    places: dict[str, list[str]] = {}
    for name, part in parts.items():
        for remark in part.remarks:
            places.setdefault(remark, []).append(name)
    if len(parts) == 1:
        return list(places)
    return [
        f"{found[0]}{f' and {len(found) - 1:,} more' if len(found) > 1 else ''}: {remark}"
        for remark, found in places.items()
    ]
