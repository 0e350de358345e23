"""A version in a few numbers, with which the next one is compared."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from image_tags.tasks.adapters.files.table_files import TableFile

LABELS = 200
"""Labels that a profile counts: the most frequent ones."""


@dataclass(frozen=True)
class Profile:
    """Volume and mix of one version.

    Attributes:
        rows: rows of the source.
        links: links in them.
        images: distinct images that were read.
        tags_mean: tags per image, on average.
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


def compute_profile(rows: int, images: TableFile, tags_long: TableFile) -> Profile:
    """The profile of a version, from its `images` and `tags_long`."""
    known = images.select(["image_id", "status", "position"])
    read = pc.unique(known.filter(pc.equal(known["status"], "tagged"))["image_id"])
    of_image, kinds = tags_long.encode("image_id").indices, tags_long["kind"]
    per_image = np.bincount(of_image.to_numpy())
    counts = np.zeros(max(len(read), len(per_image)))
    counts[: len(per_image)] = per_image
    names = count_images_by_label(of_image, kinds, tags_long.encode("name"))
    return Profile(
        rows=rows,
        links=known.num_rows - known["position"].null_count,
        images=len(read),
        tags_mean=float(counts.mean()) if len(counts) else 0.0,
        tags_sd=float(counts.std()) if len(counts) else 0.0,
        kinds={pair["values"]: pair["counts"] for pair in pc.value_counts(kinds).to_pylist()},
        labels=dict(sorted(names.items(), key=lambda item: (-item[1], item[0]))[:LABELS]),
    )


def count_images_by_label(
    of_image: pa.Array, kinds: pa.ChunkedArray, names: pa.DictionaryArray
) -> Mapping[str, int]:
    """How many images have each label, from the codes of the tags' images and names."""
    is_label = pc.equal(kinds, "label").to_numpy()
    images, labels = of_image.to_numpy()[is_label], names.indices.to_numpy()[is_label]
    # One number for image and label: each pair counts once.
    pairs = np.unique(images.astype(np.int64) * max(len(names.dictionary), 1) + labels)
    counts = np.bincount(pairs % max(len(names.dictionary), 1))
    return {names.dictionary[int(at)].as_py(): int(counts[at]) for at in np.flatnonzero(counts)}
