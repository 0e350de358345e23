"""Expectations on rows and keys: everything is there, and nothing else."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from image_tags.expectations.custom.base import Observation, TableExpectation, report_broken
from image_tags.expectations.subject import Subject
from image_tags.tasks.adapters.files.table_files import TableFile

TAG_KEY = ["image_id", "kind", "rank"]


class ExpectEverySourceRow(TableExpectation):
    """Each row of the source is there, and no other."""

    def inspect_table(self, own: TableFile, whole: Subject) -> Observation:
        """Compare the row numbers with 0..n-1."""
        rows = whole.tables["source"].num_rows
        there = np.unique(own["row"].drop_null().to_numpy())
        missing = np.setdiff1d(np.arange(rows), there)
        strange = there[(there < 0) | (there >= rows)]
        broken = [f"row {row} is missing" for row in missing.tolist()]
        broken += [f"row {row} is not in the source" for row in strange.tolist()]
        return report_broken(broken, rows, "source rows")


class ExpectEveryLink(TableExpectation):
    """As many links as were found in the source, counted 0.. within each row."""

    def inspect_table(self, own: TableFile, whole: Subject) -> Observation:
        """Compare the number of links, and each position with the link's place in its row."""
        keys = own.select(["row", "position"])
        links = keys.filter(pc.is_valid(keys["position"])).to_pandas()
        found = whole.context.links
        if len(links) != found:
            words = f"{len(links):,} links, but {found:,} were found in the source"
            return Observation(False, words)
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

    def inspect_table(self, own: TableFile, whole: Subject) -> Observation:
        """Null is no value."""
        known = whole.tables[self.other_table].encode(self.other_column).dictionary
        values = own.encode(self.column).dictionary
        strange = values.filter(pc.invert(pc.is_in(values, known)))
        return report_broken(strange.to_pylist(), len(values), f"values of {self.column}")


class ExpectTagKeysToBeUnique(TableExpectation):
    """Image, kind and rank occur together once.

    As `expect_compound_columns_to_be_unique`, but on codes: that one needs 2 GB for 5 million rows.
    """

    def inspect_table(self, own: TableFile, whole: Subject) -> Observation:  # noqa: ARG002 - the signature is the base's
        """Sort the keys as numbers and compare neighbours."""
        keys = encode_tag_keys(own)
        order = np.lexsort((keys["rank"], keys["kind"], keys["image"]))
        in_order = np.column_stack([keys[name][order] for name in ("image", "kind", "rank")])
        twice = order[1:][(in_order[1:] == in_order[:-1]).all(axis=1)]
        return report_broken(name_tags(own, twice), own.num_rows, "tags")


class ExpectRanksToRunFromOne(TableExpectation):
    """Ranks are 1.. without a gap within image and kind."""

    def inspect_table(self, own: TableFile, whole: Subject) -> Observation:  # noqa: ARG002
        """With unique keys it is enough to compare count, least and greatest."""
        groups = (
            pa.table(encode_tag_keys(own))
            .group_by(["image", "kind"])
            .aggregate([("rank", "count"), ("rank", "min"), ("rank", "max")])
        )
        wrong = groups.filter(
            pc.or_(
                pc.not_equal(groups["rank_min"], 1),
                pc.not_equal(groups["rank_max"], groups["rank_count"]),
            )
        )
        images, kinds = own.encode("image_id").dictionary, own.encode("kind").dictionary
        broken = [
            f"{_value_at(kinds, row['kind'])} of {_value_at(images, row['image'])}"
            for row in wrong.slice(0, wrong.num_rows).to_pylist()
        ]
        return report_broken(broken, groups.num_rows, "kinds of images")


class ExpectEveryImage(TableExpectation):
    """One row for each image that a link led to, and no other."""

    def inspect_table(self, own: TableFile, whole: Subject) -> Observation:
        """Compare with the images of `images`."""
        wanted = whole.tables["images"].encode("image_id").dictionary
        there = pc.unique(own["image_id"])
        missing = wanted.filter(pc.invert(pc.is_in(wanted, there)))
        strange = there.filter(pc.invert(pc.is_in(there, wanted)))
        broken = [f"{image} is missing" for image in sorted(missing.to_pylist())]
        broken += [f"{image} is in no link" for image in sorted(map(str, strange.to_pylist()))]
        return report_broken(broken, len(wanted), "images")


class ExpectTagsToAddUp(TableExpectation):
    """What is kept and what was dropped are together as many tags as were read."""

    def inspect_table(self, own: TableFile, whole: Subject) -> Observation:
        """Compare the counts."""
        dropped, read = whole.tables["tags_dropped"].num_rows, whole.context.tags
        words = f"{own.num_rows:,} kept and {dropped:,} dropped of {read:,} read"
        return Observation(own.num_rows + dropped == read, words)


def encode_tag_keys(tags: TableFile) -> dict[str, np.ndarray]:
    """Image, kind and rank of each tag as whole numbers; -1 stands for null."""
    codes = {
        name: pc.fill_null(tags.encode(column).indices, -1).to_numpy()
        for name, column in (("image", "image_id"), ("kind", "kind"))
    }
    return {**codes, "rank": pc.fill_null(tags["rank"], -1).to_numpy()}


def name_tags(tags: TableFile, rows: np.ndarray) -> list[str]:
    """Some tags by kind, rank and image, for a finding."""
    if not len(rows):
        return []
    named = tags.select(TAG_KEY).take(pa.array(rows)).to_pylist()
    return [f"{one['kind']} {one['rank']} of {one['image_id']}" for one in named]


def _value_at(values: pa.Array, code: int) -> str | None:
    value: str | None = None if code < 0 else values[code].as_py()
    return value
