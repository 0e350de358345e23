"""`tagged`: one row per link, with the source's columns, those of `images` and of `tags_wide`."""

import pyarrow as pa
import pyarrow.compute as pc

from image_tags.tasks.assemble.column_names import join_schemas


def make_tagged(source: pa.Table, first_row: int, images: pa.Table, wide: pa.Table) -> pa.Table:
    """A row for each row of `images`; the source's columns are as they were.

    Args:
        source: consecutive rows of the source.
        first_row: the number of the first of them.
        images: the rows of `images` that belong to them.
        wide: the whole of `tags_wide`.

    """
    spots = pc.index_in(
        images["image_id"], wide["image_id"].combine_chunks(), skip_nulls=True
    ).combine_chunks()
    of_tags = wide.drop_columns("image_id")
    parts = [source.take(pc.subtract(images["row"], first_row)), images, of_tags.take(spots)]
    schema = join_schemas(*(part.schema for part in parts))
    return pa.table([column for part in parts for column in part.columns], schema=schema)
