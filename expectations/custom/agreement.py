"""Expectations that two tables say the same."""

import itertools
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from image_tags.expectations.custom.base import Observation, TableExpectation, report_broken
from image_tags.expectations.subject import Subject
from image_tags.tasks.contracts.tables import WIDE_KINDS


class ExpectWideToAgreeWithLong(TableExpectation):
    """`tags_wide` has the tags of `tags_long` up to its number of columns, each in its place, and
    no others.
    """

    def inspect_table(self, own: pa.Table, whole: Subject) -> Observation:
        """Column by column: the tags of that kind and rank against the cells, each image's in its
        row.
        """
        images = own["image_id"].combine_chunks()
        broken: list[str] = []
        looked_at = 0
        for kind in WIDE_KINDS:
            width = whole.context.widths[kind]
            for rank, tags in enumerate(_split_by_rank(whole.tables["tags_long"], kind, width), 1):
                looked_at += tags.num_rows
                cells = own.select([f"{kind}_{rank}", f"{kind}_{rank}_confidence"])
                broken += [
                    f"{kind} {rank} of {image}" for image in _find_differences(images, cells, tags)
                ]
        return report_broken(broken, looked_at, "tags")


def _split_by_rank(long: pa.Table, kind: str, width: int) -> Iterator[pa.Table]:
    """The tags of one kind of rank 1, 2, ... `width`, each a table of its own."""
    fits = pc.and_(pc.equal(long["kind"], kind), pc.less_equal(long["rank"], width))
    tags = long.select(["image_id", "rank", "name", "confidence"]).filter(fits).sort_by("rank")
    ends = np.searchsorted(tags["rank"].to_numpy(), np.arange(width + 1), side="right").tolist()
    for start, end in itertools.pairwise(ends):
        yield tags.slice(start, end - start)


def _find_differences(images: pa.Array, cells: pa.Table, tags: pa.Table) -> list[str]:
    """The images whose cells (a name and its confidence, in the images' order) are not what the
    tags say.
    """
    spots = pc.index_in(tags["image_id"], images)
    there = cells.take(spots)
    same = pc.and_(
        pc.equal(there.column(0), tags["name"]), pc.equal(there.column(1), tags["confidence"])
    )
    wrong = tags["image_id"].filter(pc.invert(pc.fill_null(same, False))).to_pylist()
    filled = pc.or_(pc.is_valid(cells.column(0)), pc.is_valid(cells.column(1))).to_numpy().copy()
    filled[spots.drop_null().to_numpy()] = False
    return [*wrong, *images.filter(pa.array(filled)).to_pylist()]


class ExpectTaggedToAgreeWithItsParts(TableExpectation):
    """Each column of `tagged` is, row for row, the source's, `images`' or `tags_wide`'s own."""

    def inspect_table(self, own: pa.Table, whole: Subject) -> Observation:
        """Put the parts together again and compare column by column; our columns are known by their
        place.
        """
        images, wide = whole.tables["images"], whole.tables["tags_wide"]
        if own.num_rows != images.num_rows:
            return Observation(False, f"{own.num_rows:,} rows, but images has {images.num_rows:,}")
        spots = pc.index_in(images["image_id"], wide["image_id"].combine_chunks(), skip_nulls=True)
        parts = [
            whole.context.source.take(images["row"]),
            images,
            wide.drop_columns("image_id").take(spots),
        ]
        columns = [column for part in parts for column in part.columns]
        broken = [
            f"column {name!r}"
            for name, there, should in zip(own.column_names, own.columns, columns, strict=True)
            if not _are_same(there, should)
        ]
        return report_broken(broken, len(columns), "columns")


def _are_same(one: pa.ChunkedArray, other: pa.ChunkedArray) -> bool:
    # Arrow holds not-a-number unequal to itself; written out the two are alike.
    return bool(one.equals(other)) or (
        one.type == other.type and repr(one.to_pylist()) == repr(other.to_pylist())
    )
