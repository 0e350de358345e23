"""Expectations on values that must be right, or agree with one another."""

import json
import math
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from image_tags.expectations.custom.base import (
    Number,
    Observation,
    TableExpectation,
    as_number,
    report_broken,
)
from image_tags.expectations.custom.keys import name_tags
from image_tags.expectations.subject import Subject
from image_tags.tasks.adapters.files.table_files import TableFile
from image_tags.tasks.contracts.reasons import Reason, Status

DECODER = json.JSONDecoder()  # used directly: twice as fast as json.loads on a million small texts

EDGE = 1e-6
"""How far a box may reach over the edge: rounding."""


class ExpectReasonToAgreeWithStatus(TableExpectation):
    """Rejected and pending links have a reason of that status, others have none."""

    def inspect_table(self, own: TableFile, whole: Subject) -> Observation:  # noqa: ARG002 - the signature is the base's
        """Look at each pair of status and reason once."""
        pairs = own.select(["status", "reason"]).group_by(["status", "reason"]).aggregate([])
        pairs = pairs.to_pylist()
        broken = [
            f"{p['status']} with {p['reason'] or 'no reason'}"
            for p in pairs
            if not _is_consistent(p["status"], p["reason"])
        ]
        return report_broken(broken, len(pairs), "pairs of status and reason")


def _is_consistent(status: str, reason: str | None) -> bool:
    needs_reason = status in (Status.REJECTED, Status.PENDING)
    if reason is None or not needs_reason:
        return (reason is not None) == needs_reason
    return {str(code): code.status for code in Reason}.get(reason) == status


class ExpectOneFactAKey(TableExpectation):
    """Rows with the same key agree in other columns."""

    column: str
    facts: list[str]

    def inspect_table(self, own: TableFile, whole: Subject) -> Observation:  # noqa: ARG002
        """Null is no key."""
        rows = own.select([self.column, *self.facts])
        keyed = rows.filter(pc.is_valid(rows[self.column]))
        different = keyed.group_by([self.column, *self.facts]).aggregate([])
        times = different.group_by(self.column).aggregate([([], "count_all")])
        broken = times.filter(pc.greater(times["count_all"], 1))[self.column].to_pylist()
        return report_broken(broken, times.num_rows, f"values of {self.column}")


class ExpectColumnNumbersToBeBetween(TableExpectation):
    """Numbers are within bounds (inclusive); not-a-number is not.

    As `expect_column_values_to_be_between`, but without a Python call per value: five columns of a
    million took five seconds.
    """

    column: str
    min_value: Number = -math.inf
    max_value: Number = math.inf

    def inspect_table(self, own: TableFile, whole: Subject) -> Observation:  # noqa: ARG002
        """Null is no number."""
        values = own[self.column].drop_null()
        low, high = as_number(self.min_value), as_number(self.max_value)
        inside = pc.and_(pc.greater_equal(values, low), pc.less_equal(values, high))
        return report_broken(
            values.filter(pc.invert(inside)).to_pylist(), len(values), f"values of {self.column}"
        )


class ExpectBoxesToBeWhole(TableExpectation):
    """A box has all four numbers or none, and is inside the picture."""

    def inspect_table(self, own: TableFile, whole: Subject) -> Observation:  # noqa: ARG002
        """Rounding at the right and lower edge is forgiven."""
        boxes, wrong, start = 0, [], 0
        for part in own.iterate(["left", "top", "width", "height"]):
            sides = np.array([column.to_numpy() for column in part.columns], dtype=float)
            valid = np.array([pc.is_valid(column).to_numpy() for column in part.columns])
            given = valid.sum(axis=0)
            over = (np.where(valid, sides, 0)[:2] + np.where(valid, sides, 0)[2:] > 1 + EDGE).any(
                axis=0
            )
            unclear = (given % 4 != 0) | (np.isnan(sides) & valid).any(axis=0)
            wrong += (start + np.flatnonzero(unclear | over)).tolist()
            boxes += int((given > 0).sum())
            start += part.num_rows
        return report_broken(name_tags(own, np.array(wrong, dtype=int)), boxes, "boxes")


class ExpectColumnValuesToBeJsonObjects(TableExpectation):
    """Each text in the column is a whole JSON object."""

    column: str

    def inspect_table(self, own: TableFile, whole: Subject) -> Observation:  # noqa: ARG002
        """Null is no text."""
        broken: list[str] = []
        looked_at = 0
        for texts in _distinct_texts(own, self.column):
            broken += [text[:80] for text in texts if not _is_object(text)]
            looked_at += len(texts)
        return report_broken(broken, looked_at, "texts")


def _distinct_texts(table: TableFile, column: str) -> Iterator[list[str]]:
    """The column's texts part by part, each once per part."""
    for part in table.iterate([column]):
        yield pc.unique(part[column].drop_null()).to_pylist()


def _is_object(text: str) -> bool:
    try:
        value, end = DECODER.raw_decode(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and end == len(text)


class ExpectNoTagOfAPendingImage(TableExpectation):
    """A pending image has no tags: no image is published half read."""

    def inspect_table(self, own: TableFile, whole: Subject) -> Observation:
        """Images by their links' status."""
        images = whole.tables["images"].select(["image_id", "status"])
        pending = images.filter(pc.equal(images["status"], Status.PENDING))
        waiting = pc.unique(pending["image_id"]).drop_null()
        tagged = own.encode("image_id").dictionary
        half_read = tagged.filter(pc.is_in(tagged, waiting))
        return report_broken(half_read.to_pylist(), len(waiting), "pending images")


class ExpectNoLabelBesideACelebrity(TableExpectation):
    """An image with a recognised celebrity has no labels, while that cleaning rule is on."""

    def inspect_table(self, own: TableFile, whole: Subject) -> Observation:
        """Images that have both kinds."""
        if not whole.context.cleaning.celebrity_only:
            return Observation(True, "the rule celebrity_only is off")
        images, kinds = own.encode("image_id"), own["kind"]
        of_kind = {
            kind: np.unique(images.indices.filter(pc.fill_null(pc.equal(kinds, kind), False)))
            for kind in ("celebrity", "label")
        }
        both = pa.array(np.intersect1d(of_kind["celebrity"], of_kind["label"]))
        broken = images.dictionary.take(both).to_pylist()
        return report_broken(broken, len(of_kind["celebrity"]), "images with a celebrity")
