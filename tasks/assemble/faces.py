"""How many faces a picture has, where several operations report the same ones."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

SAME = 0.5
"""Two boxes are one face if they share this part of the area that they cover together.

Of one face, `detect_faces` and `recognize_celebrities` give nearly equal boxes; two faces next to
each other hardly overlap.
"""

FACE_KINDS = ("celebrity", "face")
BOX = ["left", "top", "width", "height"]

Boxes = np.ndarray
"""n x 4: left, top, width, height."""


def count_faces(tags: pa.Table, places: np.ndarray, images: int) -> np.ndarray:
    """Faces of each image, celebrities included, each counted once.

    Args:
        tags: `kind` and the box of each tag.
        places: the number of each tag's image, 0 to images - 1.
        images: number of images.

    """
    is_face = pc.is_in(tags["kind"], pa.array(FACE_KINDS)).to_numpy(zero_copy_only=False)
    faces = tags.select(BOX).filter(pa.array(is_face))
    of_image = places[is_face]
    counts = np.bincount(of_image, minlength=images)
    boxes = np.column_stack([faces[side].to_numpy() for side in BOX]).astype(float)
    several = np.flatnonzero(counts > 1)
    order = np.argsort(of_image, kind="stable")
    starts = np.searchsorted(of_image[order], several)
    for image, start in zip(several, starts, strict=True):
        mine = order[start : start + counts[image]]
        counts[image] = _count_distinct(boxes[mine])
    return counts


def _count_distinct(boxes: Boxes) -> int:
    """How many boxes are left when those of the same face count once; one without a box counts."""
    distinct: list[np.ndarray] = []
    for box in boxes:
        if not any(_overlap(box, other) >= SAME for other in distinct):
            distinct.append(box)
    return len(distinct)


def _overlap(one: np.ndarray, other: np.ndarray) -> float:
    """The shared part of the area that two boxes cover; not-a-number if one of them has none."""
    edges = np.minimum(one[:2] + one[2:], other[:2] + other[2:]) - np.maximum(one[:2], other[:2])
    shared = float(np.prod(np.maximum(edges, 0)))
    union = float(np.prod(one[2:]) + np.prod(other[2:]) - shared)
    return shared / union if union else float("nan")
