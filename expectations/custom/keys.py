"""Expectations on rows and keys: everything is there, nothing is there that should not be."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from image_tags.expectations.custom.base import Observation, TableExpectation, report_broken
from image_tags.expectations.subject import Subject


class ExpectEverySourceRow(TableExpectation):
    """Each row of the source is there, and no other."""

    def inspect_table(self, own: pa.Table, whole: Subject) -> Observation:
        """Compare the row numbers with 0..n-1."""
        rows = whole.context.source.num_rows
        there = np.unique(own["row"].drop_null().to_numpy())
        missing = np.setdiff1d(np.arange(rows), there)
        strange = there[(there < 0) | (there >= rows)]
        broken = [f"row {row} is missing" for row in missing.tolist()]
        broken += [f"row {row} is not in the source" for row in strange.tolist()]
        return report_broken(broken, rows, "source rows")


class ExpectEveryLink(TableExpectation):
    """As many links as were found in the source, counted 0.. within each row."""

    def inspect_table(self, own: pa.Table, whole: Subject) -> Observation:
        """Compare the number of links, and each link's position with its place among its row's
        links.
        """
        links = own.select(["row", "position"]).filter(pc.is_valid(own["position"])).to_pandas()
        if len(links) != whole.context.links:
            return Observation(
                False, f"{len(links):,} links, but {whole.context.links:,} were found in the source"
            )
        links = links.sort_values(["row", "position"])
        gaps = links[links["position"] != links.groupby("row").cumcount()]
        return report_broken(
            [f"row {row} position {place}" for row, place in gaps.to_numpy().tolist()],
            len(links),
            "links",
        )


class ExpectColumnValuesToExistIn(TableExpectation):
    """Each value of a column is also in a column of another table."""

    column: str
    other_table: str
    other_column: str

    def inspect_table(self, own: pa.Table, whole: Subject) -> Observation:
        """Null is no value."""
        known = whole.tables[self.other_table][self.other_column].combine_chunks()
        values = own[self.column]
        strange = values.filter(pc.and_(pc.is_valid(values), pc.invert(pc.is_in(values, known))))
        broken = pc.unique(strange).to_pylist()
        return report_broken(broken, pc.count_distinct(values).as_py(), f"values of {self.column}")


class ExpectRanksToRunFromOne(TableExpectation):
    """Ranks are 1.. without a gap within image and kind."""

    def inspect_table(self, own: pa.Table, whole: Subject) -> Observation:  # noqa: ARG002 - the signature is the base's
        """With unique keys it is enough to compare count, least and greatest."""
        groups = own.group_by(["image_id", "kind"]).aggregate(
            [("rank", "count"), ("rank", "min"), ("rank", "max")]
        )
        wrong = groups.filter(
            pc.or_(
                pc.not_equal(groups["rank_min"], 1),
                pc.not_equal(groups["rank_max"], groups["rank_count"]),
            )
        )
        broken = [f"{row['kind']} of {row['image_id']}" for row in wrong.to_pylist()]
        return report_broken(broken, groups.num_rows, "kinds of images")


class ExpectEveryImage(TableExpectation):
    """One row for each image that a link led to, and no other."""

    def inspect_table(self, own: pa.Table, whole: Subject) -> Observation:
        """Compare with the images of `images`."""
        wanted = set(whole.tables["images"]["image_id"].drop_null().to_pylist())
        there = set(own["image_id"].to_pylist())
        broken = [f"{image} is missing" for image in sorted(wanted - there)]
        broken += [f"{image} is in no link" for image in sorted(map(str, there - wanted))]
        return report_broken(broken, len(wanted), "images")


class ExpectTagsToAddUp(TableExpectation):
    """What is kept and what was dropped are together as many tags as were read."""

    def inspect_table(self, own: pa.Table, whole: Subject) -> Observation:
        """Compare the counts."""
        dropped, read = whole.tables["tags_dropped"].num_rows, whole.context.tags
        words = f"{own.num_rows:,} kept and {dropped:,} dropped of {read:,} read"
        return Observation(own.num_rows + dropped == read, words)
