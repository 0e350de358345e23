"""A version in a few numbers, so that the next one can be compared with it."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

LABELS = 200
"""Labels that a profile counts: the most frequent ones."""


@dataclass(frozen=True)
class Profile:
    """Volume and mix of one version.

    Attributes:
        rows: rows of the source.
        links: links in them.
        images: distinct images that were read.
        tags_mean: tags an image, on average.
        tags_sd: their standard deviation from image to image.
        kinds: tags by kind.
        labels: images by label, for the most frequent labels.
    """

    rows: int
    links: int
    images: int
    tags_mean: float
    tags_sd: float
    kinds: dict[str, int]
    labels: dict[str, int]

    @property
    def tags(self) -> int:
        """All tags."""
        return sum(self.kinds.values())


def compute_profile(rows: int, images: pa.Table, tags_long: pa.Table) -> Profile:
    """The profile of a version, from its `images` and `tags_long`."""
    read = pc.unique(images.filter(pc.equal(images["status"], "tagged"))["image_id"])
    per_image = (
        tags_long.group_by("image_id").aggregate([([], "count_all")])["count_all"].to_numpy()
    )
    counts = np.zeros(max(len(read), len(per_image)))
    counts[: len(per_image)] = per_image
    labels = (
        tags_long.filter(pc.equal(tags_long["kind"], "label"))
        .group_by(["image_id", "name"])
        .aggregate([])
    )
    names = Counter(
        {pair["values"]: pair["counts"] for pair in pc.value_counts(labels["name"]).to_pylist()}
    )
    return Profile(
        rows=rows,
        links=images.num_rows - images["position"].null_count,
        images=len(read),
        tags_mean=float(counts.mean()) if len(counts) else 0.0,
        tags_sd=float(counts.std()) if len(counts) else 0.0,
        kinds={
            pair["values"]: pair["counts"]
            for pair in pc.value_counts(tags_long["kind"]).to_pylist()
        },
        labels=dict(sorted(names.items(), key=lambda item: (-item[1], item[0]))[:LABELS]),
    )
