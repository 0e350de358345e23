"""`tags_wide`: one row per image, with its first celebrities, labels and words by rank."""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from image_tags.tasks.assemble.faces import BOX, count_faces
from image_tags.tasks.contracts.tables import TAGS_LONG, WIDE_KINDS, schema_of, wide_columns

TAG_COLUMNS = ["image_id", "kind", "rank", "name", "confidence", "instances", *BOX]
"""What of `tags_long` the tables of this step are made of."""

TAG_SCHEMA = pa.schema([schema_of(TAGS_LONG).field(name) for name in TAG_COLUMNS])


def divide_tags(
    parts: Iterable[pa.Table], image_ids: pa.Array
) -> Iterator[tuple[pa.Array, pa.Table]]:
    """Pairs of consecutive images and all their tags, which together are all images and tags.

    Args:
        parts: `tags_long` in parts that hold whole images, in the order of `image_ids`.
        image_ids: all images, also those without tags.

    Raises:
        ValueError: the tags come in another order, or are of another image.

    """
    begin = 0
    for tags in parts:
        places = pc.index_in(pc.unique(tags["image_id"]), image_ids)
        if places.null_count or np.any(np.diff(places.to_numpy(), prepend=begin - 1) <= 0):
            raise ValueError("tags_long is not in the order of the images")
        end = places[-1].as_py() + 1
        yield image_ids.slice(begin, end - begin), tags
        begin = end
    if begin < len(image_ids):
        yield image_ids.slice(begin), TAG_SCHEMA.empty_table()


def make_wide(image_ids: pa.Array, tags: pa.Table, widths: Mapping[str, int]) -> pa.Table:
    """The rows of `tags_wide` for some images and their tags, in any order.

    As many columns as `widths` says; then how many tags of a kind there are in all.
    """
    schema = schema_of(wide_columns(dict(widths)))
    places = pc.index_in(tags["image_id"], image_ids).to_numpy()
    ranks = tags["rank"].to_numpy()
    kinds = tags["kind"].combine_chunks()
    names, confidences = (tags[name].combine_chunks() for name in ("name", "confidence"))
    columns: dict[str, pa.Array] = {"image_id": image_ids}
    counts: dict[str, np.ndarray] = {}
    for kind in WIDE_KINDS:
        of_kind = np.flatnonzero(pc.equal(kinds, kind).to_numpy(zero_copy_only=False))
        counts[kind] = np.bincount(places[of_kind], minlength=len(image_ids))
        width = widths[kind]
        # The row of each image's tag of each rank; -1 where there is none.
        spots = np.full((width, len(image_ids)), -1)
        fits = of_kind[ranks[of_kind] <= width]
        spots[ranks[fits] - 1, places[fits]] = fits
        for rank, rows in enumerate(spots, 1):
            taken = pa.array(rows, mask=rows < 0)
            columns[f"{kind}_{rank}"] = names.take(taken)
            columns[f"{kind}_{rank}_confidence"] = confidences.take(taken)
    columns["n_labels"] = pa.array(counts["label"])
    columns["n_words"] = pa.array(counts["word"])
    columns["n_celebrities"] = pa.array(counts["celebrity"])
    columns["n_faces"] = pa.array(count_faces(tags, places, len(image_ids)))
    return pa.table([columns[name] for name in schema.names], schema=schema)
