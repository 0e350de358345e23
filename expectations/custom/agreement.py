"""Expectations that two tables say the same."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from expectations.custom.base import Seen, TableExpectation, verdict
from expectations.subject import Subject
from tasks.contracts.tables import WIDE_KINDS


class ExpectWideToAgreeWithLong(TableExpectation):
    """`tags_wide` has the tags of `tags_long` up to its number of columns, each in its place, and no others."""

    def look(self, own: pa.Table, whole: Subject) -> Seen:
        """Turn the wide table back into a long one and compare the two, both in one order."""
        keys = ["image_id", "kind", "rank", "name", "confidence"]
        long = whole.tables["tags_long"].select(keys)
        fits = pa.array([False] * long.num_rows, pa.bool_())
        for kind in WIDE_KINDS:
            width = whole.context.widths[kind]
            fits = pc.or_(fits, pc.and_(pc.equal(long["kind"], kind), pc.less_equal(long["rank"], width)))
        left = long.filter(fits)
        right = pa.concat_tables([*_cells(own, whole), left.schema.empty_table()])
        both = left.append_column("in", pa.repeat("long", left.num_rows))
        both = pa.concat_tables([both, right.append_column("in", pa.repeat("wide", right.num_rows))])
        found = both.group_by(keys).aggregate([("in", "count_distinct"), ("in", "min")])
        alone = found.filter(pc.equal(found["in_count_distinct"], 1)).to_pylist()
        broken = [f"{row['kind']} {row['rank']} of {row['image_id']} is only in tags_{row['in_min']}" for row in alone]
        return verdict(broken, left.num_rows, "tags")


def _cells(wide: pa.Table, whole: Subject) -> Iterator[pa.Table]:
    """The filled cells of the wide table, as long tables."""
    for kind in WIDE_KINDS:
        for rank in range(1, whole.context.widths[kind] + 1):
            name, confidence = wide[f"{kind}_{rank}"], wide[f"{kind}_{rank}_confidence"]
            filled = pc.or_(pc.is_valid(name), pc.is_valid(confidence))
            cells = pa.table(
                {
                    "image_id": wide["image_id"],
                    "kind": pa.repeat(kind, wide.num_rows),
                    "rank": pa.repeat(pa.scalar(rank, pa.int64()), wide.num_rows),
                    "name": name,
                    "confidence": confidence,
                }
            )
            yield cells.filter(filled)


class ExpectTaggedToAgreeWithItsParts(TableExpectation):
    """Each column of `tagged` is, row for row, the source's, `images`' or `tags_wide`'s own."""

    def look(self, own: pa.Table, whole: Subject) -> Seen:
        """Put the parts together again and compare column by column; our columns are known by their place."""
        images, wide = whole.tables["images"], whole.tables["tags_wide"]
        if own.num_rows != images.num_rows:
            return Seen(False, f"{own.num_rows:,} rows, but images has {images.num_rows:,}")
        spots = pc.index_in(images["image_id"], wide["image_id"].combine_chunks(), skip_nulls=True)
        parts = [whole.context.source.take(images["row"]), images, wide.drop_columns("image_id").take(spots)]
        columns = [column for part in parts for column in part.columns]
        broken = [
            f"column {name!r}"
            for name, there, should in zip(own.column_names, own.columns, columns, strict=True)
            if not _same(there, should)
        ]
        return verdict(broken, len(columns), "columns")


def _same(one: pa.ChunkedArray, other: pa.ChunkedArray) -> bool:
    # Arrow holds not-a-number unequal to itself; written out the two are alike.
    return bool(one.equals(other)) or (one.type == other.type and repr(one.to_pylist()) == repr(other.to_pylist()))
