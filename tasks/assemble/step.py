"""The step that makes the tables that people merge on, part by part.

The tags of all images do not fit in memory, so `tags_long` passes through once, in parts of whole
images. What stays is one row per image: `tags_wide` and what `rows` says of each image.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from image_tags.tasks.adapters.files.table_files import TableFile
from image_tags.tasks.assemble.column_names import join_schemas, list_renamed
from image_tags.tasks.assemble.images import make_images, tabulate_fetched
from image_tags.tasks.assemble.rows import concat_facts, gather_facts, make_rows
from image_tags.tasks.assemble.tagged import make_tagged
from image_tags.tasks.assemble.wide import TAG_COLUMNS, divide_tags, make_wide
from image_tags.tasks.contracts.tables import IMAGES, ROWS, schema_of, wide_columns
from image_tags.tasks.execution.resources import RunResources
from image_tags.tasks.execution.run_folder import load_fetched
from image_tags.tasks.execution.staged_tables import StagedTables
from image_tags.tasks.execution.task_options import timed

PART = 1 << 16
"""Rows of the source whose rows of `tagged` and `rows` are made at a time."""


@dataclass(frozen=True)
class ImageTables:
    """What is known of each image, in the order of `image_ids`; see `rows.FACTS`."""

    image_ids: pa.Array
    wide: pa.Table
    facts: pa.Table


@task(task_run_name="assemble the tables", cache_policy=NO_CACHE)
@timed
def assemble_tables(resources: RunResources, digests: Sequence[str]) -> dict[str, str]:
    """Stage `images`, `tags_wide`, `tagged` and `rows`; returns the columns of ours it renamed."""
    store, run, settings = resources.store, resources.run, resources.settings
    widths = {
        "celebrity": settings.wide_celebrities,
        "label": settings.wide_labels,
        "word": settings.wide_words,
    }
    fetched = tabulate_fetched(load_fetched(store, run, digests), store.locate)
    with StagedTables(store, run) as tables:
        renamed = assemble_staged(tables, fetched, widths)
    for was, now in renamed.items():
        get_run_logger().warning(
            "Our column %r is named %r in `tagged`: the source has a column of that name.", was, now
        )
    return renamed


def assemble_staged(
    tables: StagedTables, fetched: pa.Table, widths: Mapping[str, int]
) -> dict[str, str]:
    """Make the tables from `source`, `links`, `verdicts` and `tags_long`.

    Args:
        tables: the run's staged tables.
        fetched: what became of each URL (`images.LINK_FACTS`).
        widths: how many columns of each kind `tags_wide` has.

    Returns:
        The columns of ours that have another name in `tagged`, with that name.

    """
    source = tables.open("source")
    verdicts = tables.open("verdicts").select(["image_id", "status", "reason", "detail"])
    links = tables.open("links").select(["row", "position", "url"])
    with tables.write("images", schema_of(IMAGES)) as images:
        for part in make_images(source.num_rows, links, fetched, verdicts):
            images.append(part)
    known = _stage_wide(tables, verdicts["image_id"].combine_chunks(), widths)
    _stage_by_row(tables, source, known)
    ours = schema_of(IMAGES).names, known.wide.column_names[1:]
    return list_renamed(source.column_names, *ours)


def _stage_wide(
    tables: StagedTables, image_ids: pa.Array, widths: Mapping[str, int]
) -> ImageTables:
    schema = schema_of(wide_columns(dict(widths)))
    parts, facts = [], []
    with tables.write("tags_wide", schema) as writer:
        long = tables.open("tags_long").iterate_groups("image_id", TAG_COLUMNS)
        for ids, tags in divide_tags(long, image_ids):
            wide = make_wide(ids, tags, widths)
            writer.append(wide)
            parts.append(wide)
            facts.append(gather_facts(ids, tags, wide))
    whole = pa.concat_tables([schema.empty_table(), *parts]).combine_chunks()
    return ImageTables(image_ids, whole, concat_facts(facts))


def _stage_by_row(tables: StagedTables, source: TableFile, known: ImageTables) -> None:
    images = tables.open("images").select(schema_of(IMAGES).names)
    numbers = images["row"].to_numpy()
    wide_schema = known.wide.drop_columns("image_id").schema
    with (
        tables.write(
            "tagged", join_schemas(source.schema, schema_of(IMAGES), wide_schema)
        ) as tagged,
        tables.write("rows", join_schemas(source.schema, schema_of(ROWS))) as rows,
    ):
        first_row = 0
        for part in source.iterate(rows=PART):
            end_row = first_row + part.num_rows
            begin, end = numbers.searchsorted([first_row, end_row])
            of_part = images.slice(begin, end - begin)
            tagged.append(make_tagged(part, first_row, of_part, known.wide))
            rows.append(make_rows(part, first_row, of_part, known.image_ids, known.facts))
            first_row = end_row
