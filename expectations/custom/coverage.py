"""Expectations that warn when too few links led to tags."""

import math

import pyarrow.compute as pc

from image_tags.expectations.custom.base import (
    Flag,
    Number,
    Observation,
    TableExpectation,
    as_flag,
    as_number,
    report_broken,
)
from image_tags.expectations.subject import Subject
from image_tags.tasks.adapters.files.table_files import TableFile
from image_tags.tasks.contracts.reasons import Status

ERRORS = 3
"""Standard errors added to each threshold: in a small table one more or one less moves a share by
many points.
"""


def chance_margin(share: float, *sizes: int) -> float:
    """How far a share may be off by chance.

    That is three standard errors of it, or of the difference of two.
    """
    return ERRORS * math.sqrt(share * (1 - share) * sum(1 / size for size in sizes if size))


class ExpectShareOfStatusToBeBetween(TableExpectation):
    """The share of the links that have a status is within bounds."""

    status: Status
    min_value: Number = 0.0
    max_value: Number = 1.0

    def inspect_table(self, own: TableFile, whole: Subject) -> Observation:  # noqa: ARG002
        """Rows without a link do not count."""
        links = own.num_rows - own["position"].null_count
        count = pc.sum(pc.equal(own["status"], str(self.status))).as_py() or 0
        share = count / links if links else as_number(self.min_value)
        low = as_number(self.min_value) - chance_margin(as_number(self.min_value), links)
        high = as_number(self.max_value) + chance_margin(as_number(self.max_value), links)
        return Observation(low <= share <= high, f"{share:.1%}: {count:,} of {links:,} links")


class ExpectSomethingToBeTagged(TableExpectation):
    """A run that found nothing at all must not replace a good version.

    The feed may be dead, or this machine's address blocked.
    """

    allow_empty: Flag

    def inspect_table(self, own: TableFile, whole: Subject) -> Observation:  # noqa: ARG002
        """Met without a link, and where the user allows it."""
        links = own.num_rows - own["position"].null_count
        tagged = pc.sum(pc.equal(own["status"], str(Status.TAGGED))).as_py() or 0
        met = tagged > 0 or links == 0 or as_flag(self.allow_empty)
        hint = "" if met else " (--allow-empty publishes all the same)"
        return Observation(met, f"{tagged:,} of {links:,} links{hint}")


class ExpectImagesToHaveTags(TableExpectation):
    """Few images have no tag at all."""

    max_value: Number

    def inspect_table(self, own: TableFile, whole: Subject) -> Observation:
        """Images of tagged links against those in `tags_long`."""
        images = own.select(["image_id", "status"])
        tagged = pc.unique(images.filter(pc.equal(images["status"], "tagged"))["image_id"])
        known = whole.tables["tags_long"].encode("image_id").dictionary
        bare = tagged.filter(pc.invert(pc.is_in(tagged, known)))
        limit = as_number(self.max_value) + chance_margin(as_number(self.max_value), len(tagged))
        if len(bare) <= limit * len(tagged):
            return Observation(True, f"{len(bare):,} of {len(tagged):,} images")
        return report_broken(bare.to_pylist(), len(tagged), "images")


class ExpectLinksAnImageToBeAtMost(TableExpectation):
    """No picture is shared by very many links.

    Hosts answer with one placeholder for all deleted pictures.
    """

    max_value: Number

    def inspect_table(self, own: TableFile, whole: Subject) -> Observation:  # noqa: ARG002
        """Links by image."""
        images = own.select(["image_id"]).drop_null()
        links = images.group_by("image_id").aggregate([([], "count_all")])
        many = links.filter(pc.greater(links["count_all"], as_number(self.max_value)))
        broken = [
            f"{row['image_id']} behind {row['count_all']:,} links"
            for row in many.sort_by([("count_all", "descending")]).to_pylist()
        ]
        return report_broken(broken, links.num_rows, "images")
