"""One face that two operations found is one face.

RecognizeCelebrities reports every face that it does not recognise, DetectFaces reports all faces.
Without joining them, a count of faces would depend on which operations were asked.
"""

from collections.abc import Sequence
from dataclasses import replace

from image_tags.tasks.contracts.records import Tag

SAME_FACE = 0.5
"""Two boxes show the same face if they share this part of the area that they cover together."""


def join_faces(tags: Sequence[Tag]) -> list[Tag]:
    """Join faces of different operations whose boxes agree; other tags stay as they are.

    The face of the later operation stays (`detect_faces` knows more of it), with the details of
    the other where it has none of that name, and `also_found_by` naming the other's operation.
    """
    joined: list[Tag] = []
    for tag in tags:
        twin = _find_twin(tag, joined) if tag.kind == "face" else None
        if twin is None:
            joined.append(tag)
            continue
        other = joined[twin]
        details = {**other.details, **tag.details, "also_found_by": other.details["operation"]}
        joined[twin] = replace(tag, details=details)
    return joined


def _find_twin(face: Tag, tags: Sequence[Tag]) -> int | None:
    """The place of the face of another operation that overlaps most, if any does enough."""
    overlaps = [
        (_overlap(face, tag), place)
        for place, tag in enumerate(tags)
        if tag.kind == "face"
        and tag.details["operation"] != face.details["operation"]
        and "also_found_by" not in tag.details
    ]
    best, place = max(overlaps, default=(0.0, 0))
    return place if best >= SAME_FACE else None


def _overlap(one: Tag, other: Tag) -> float:
    """The shared part of two boxes' union, 0-1; 0 if either has no box."""
    sides = [(tag.left, tag.top, tag.width, tag.height) for tag in (one, other)]
    boxes = [tuple(side for side in box if side is not None) for box in sides]
    if any(len(box) < len(sides[0]) for box in boxes):
        return 0.0
    (left, top, width, height), (left2, top2, width2, height2) = boxes
    wide = min(left + width, left2 + width2) - max(left, left2)
    high = min(top + height, top2 + height2) - max(top, top2)
    shared = max(0.0, wide) * max(0.0, high)
    union = width * height + width2 * height2 - shared
    return shared / union if union > 0 else 0.0
