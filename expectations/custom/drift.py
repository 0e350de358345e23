"""Expectations that warn when a version is unlike the one before it."""

import math
from collections.abc import Mapping

from image_tags.expectations.custom.base import (
    Number,
    Observation,
    TableExpectation,
    as_number,
    report_broken,
)
from image_tags.expectations.custom.coverage import ERRORS, chance_margin
from image_tags.expectations.subject import Subject
from image_tags.tasks.adapters.files.table_files import TableFile

FIRST = Observation(True, "no version before this one")


class ExpectVolumeLikeLastVersion(TableExpectation):
    """About as many source rows as last time."""

    max_change: Number

    def inspect_table(self, own: TableFile, whole: Subject) -> Observation:  # noqa: ARG002
        """The change as a share of the last version; counts vary by about their square root."""
        now, last = whole.profile, whole.last
        if last is None:
            return FIRST
        limit = as_number(self.max_change) * last.rows + ERRORS * math.sqrt(last.rows)
        return Observation(
            abs(now.rows - last.rows) <= limit, f"{now.rows:,} rows, last time {last.rows:,}"
        )


class ExpectTagsAnImageLikeLastVersion(TableExpectation):
    """About as many tags per image as last time."""

    max_change: Number

    def inspect_table(self, own: TableFile, whole: Subject) -> Observation:  # noqa: ARG002
        """The change of the mean as a share of the last version's."""
        now, last = whole.profile, whole.last
        if last is None or not (now.images and last.images):
            return FIRST if last is None else Observation(True, "no images to compare")
        # The larger deviation for both: that of very few images says little.
        error = max(now.tags_sd, last.tags_sd) * math.sqrt(1 / now.images + 1 / last.images)
        limit = as_number(self.max_change) * last.tags_mean + ERRORS * error
        words = f"{now.tags_mean:.1f} tags per image, last time {last.tags_mean:.1f}"
        return Observation(abs(now.tags_mean - last.tags_mean) <= limit, words)


class ExpectKindsLikeLastVersion(TableExpectation):
    """Each kind has about the same share of the tags as last time."""

    max_change: Number

    def inspect_table(self, own: TableFile, whole: Subject) -> Observation:  # noqa: ARG002
        """In points. Tags of one image are not independent, so chance is computed from images."""
        now, last = whole.profile, whole.last
        if last is None:
            return FIRST
        after, before = _compute_shares(now.kinds, now.tags), _compute_shares(last.kinds, last.tags)
        return _report_moves(
            after, before, (now.images, last.images), as_number(self.max_change), "kinds"
        )


class ExpectTopLabelsLikeLastVersion(TableExpectation):
    """Each of the top labels is on about the same share of the images as last time."""

    max_change: Number
    top: Number

    def inspect_table(self, own: TableFile, whole: Subject) -> Observation:  # noqa: ARG002
        """In points; the top labels of both versions."""
        now, last = whole.profile, whole.last
        if last is None:
            return FIRST
        most = int(as_number(self.top))
        top = [*list(now.labels)[:most], *list(last.labels)[:most]]
        before, after = (
            _compute_shares(last.labels, last.images),
            _compute_shares(now.labels, now.images),
        )
        before, after = (
            {name: shares.get(name, 0.0) for name in top} for shares in (before, after)
        )
        return _report_moves(
            after, before, (now.images, last.images), as_number(self.max_change), "labels"
        )


def _compute_shares(counts: Mapping[str, int], of: int) -> dict[str, float]:
    return {name: count / of for name, count in counts.items()} if of else {}


def _report_moves(
    after: Mapping[str, float],
    before: Mapping[str, float],
    images: tuple[int, int],
    allowed: float,
    noun: str,
) -> Observation:
    if not all(images):
        return Observation(True, "no images to compare")
    moves = {name: (after.get(name, 0.0), before.get(name, 0.0)) for name in {*after, *before}}
    broken = []
    for name, (share, was) in sorted(
        moves.items(), key=lambda move: (-abs(move[1][0] - move[1][1]), move[0])
    ):
        # Of the images of both versions together: the best guess at the share if nothing changed.
        pooled = min(1.0, (share * images[0] + was * images[1]) / sum(images))
        one_picture = 1 / min(images)
        if abs(share - was) > allowed + chance_margin(pooled, *images) + one_picture:
            broken.append(f"{name} {share:.1%}, last time {was:.1%}")
    return report_broken(broken, len(moves), noun)
