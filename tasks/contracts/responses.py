"""From a response to tags: one reader per operation.

Every member may be missing or null, and every list empty, as the service's model allows. Members
without a column go to `details` under their own names in snake_case, so that members which the
service adds later are kept too. A detection without a name is not a tag; one without a confidence
has 0, with a note in its details.
"""

from collections.abc import Iterable
from dataclasses import replace

from image_tags.tasks.contracts.faces import join_faces
from image_tags.tasks.contracts.records import JsonObject, Tag
from image_tags.tasks.contracts.response_fields import (
    Box,
    as_list,
    as_object,
    box_of,
    clip_box,
    make_storable,
    names_of,
    other_members,
    to_snake_case,
)

FACE = "Face"
"""The name of a tag of kind `face`, which has no person's name."""


def read_labels(response: JsonObject) -> list[Tag]:
    """DetectLabels: kind `label`.

    Image properties, if asked for, are in the details of the label of rank 1.
    """
    response = make_storable(response)
    tags = [
        _make_tag(
            "label",
            label.get("Name"),
            label.get("Confidence"),
            box=next((box for box in map(box_of, as_list(label, "Instances")) if box), None),
            instances=sum(1 for instance in as_list(label, "Instances") if box_of(instance)),
            parents=names_of(label, "Parents"),
            categories=names_of(label, "Categories"),
            details={
                **other_members(label, "Name", "Confidence", "Parents", "Categories", "Aliases"),
                "aliases": names_of(label, "Aliases"),
            },
        )
        for label in as_list(response, "Labels")
    ]
    return _finish_tags("detect_labels", response, tags, of_image=("ImageProperties",))


def read_text(response: JsonObject) -> list[Tag]:
    """DetectText: kinds `word` and `line`, in the response's order, which is the reading order."""
    response = make_storable(response)
    tags = []
    for text in as_list(response, "TextDetections"):
        is_line = text.get("Type") == "LINE" or (
            text.get("Type") != "WORD" and text.get("ParentId") is None
        )
        geometry = as_object(text, "Geometry")
        details = {
            **other_members(text, "DetectedText", "Type", "Confidence", "Id", "Geometry"),
            **other_members(geometry, "BoundingBox"),
            "text_id": text.get("Id"),
        }
        tags.append(
            _make_tag(
                "line" if is_line else "word",
                text.get("DetectedText"),
                text.get("Confidence"),
                box=box_of(geometry),
                details=details,
            )
        )
    return _finish_tags("detect_text", response, tags, reading_order=True)


def read_celebrities(response: JsonObject) -> list[Tag]:
    """RecognizeCelebrities: kind `celebrity` by MatchConfidence; `face` for unrecognised faces."""
    response = make_storable(response)
    tags = []
    for celebrity in as_list(response, "CelebrityFaces"):
        face = as_object(celebrity, "Face")
        details = {
            **other_members(celebrity, "Name", "MatchConfidence", "Face", "KnownGender"),
            "known_gender": as_object(celebrity, "KnownGender").get("Type"),
            "face_confidence": face.get("Confidence"),
            "face": other_members(face, "BoundingBox", "Confidence"),
        }
        confidence = celebrity.get("MatchConfidence")
        tags.append(
            _make_tag(
                "celebrity", celebrity.get("Name"), confidence, box=box_of(face), details=details
            )
        )
    tags += [_make_face(face) for face in as_list(response, "UnrecognizedFaces")]
    return _finish_tags("recognize_celebrities", response, tags)


def read_moderation(response: JsonObject) -> list[Tag]:
    """DetectModerationLabels: kind `moderation`.

    Content types, if any, are in the details of the one of rank 1.
    """
    response = make_storable(response)
    tags = [
        _make_tag(
            "moderation",
            label.get("Name"),
            label.get("Confidence"),
            parents=[label["ParentName"]] if label.get("ParentName") else [],
            details=other_members(label, "Name", "Confidence", "ParentName"),
        )
        for label in as_list(response, "ModerationLabels")
    ]
    return _finish_tags("detect_moderation_labels", response, tags, of_image=("ContentTypes",))


def read_faces(response: JsonObject) -> list[Tag]:
    """DetectFaces: kind `face`, with its attributes in the details."""
    response = make_storable(response)
    return _finish_tags(
        "detect_faces", response, [_make_face(face) for face in as_list(response, "FaceDetails")]
    )


def merge_tags(readings: Iterable[list[Tag]]) -> list[Tag]:
    """The tags of one image from several operations, ranked again within each kind.

    Each tag's details name the operation it came from; a face that two operations report is one.
    """
    return _rank_tags(join_faces([tag for tags in readings for tag in tags]))


def _make_face(face: JsonObject) -> Tag:
    details = other_members(face, "BoundingBox", "Confidence")
    return _make_tag("face", FACE, face.get("Confidence"), box=box_of(face), details=details)


def _make_tag(
    kind: str,
    name: str | None,
    confidence: float | None,
    *,
    details: JsonObject,
    box: Box | None = None,
    instances: int | None = None,
    parents: list[str] | None = None,
    categories: list[str] | None = None,
) -> Tag:
    if confidence is None:
        details = {**details, "confidence": "not given"}
    inside = clip_box(box) if box else None
    if inside != box:
        details = {**details, "box_as_answered": box}
    return Tag(
        kind=kind,
        rank=0,
        name=name or "",
        confidence=float(confidence or 0.0),
        instances=instances,
        parents=parents or [],
        categories=categories or [],
        details={key: value for key, value in details.items() if value not in (None, "", [], {})},
        **(inside or {}),
    )


def _finish_tags(
    operation: str,
    response: JsonObject,
    tags: list[Tag],
    *,
    of_image: tuple[str, ...] = (),
    reading_order: bool = False,
) -> list[Tag]:
    """Drop tags without a name, rank the others, and add members about the whole image."""
    ranked = _rank_tags([tag for tag in tags if tag.name], reading_order=reading_order)
    for tag in ranked:
        tag.details["operation"] = operation
        if response.get("OrientationCorrection"):
            tag.details["orientation_correction"] = response["OrientationCorrection"]
        if tag.rank == 1:
            tag.details.update(
                {
                    to_snake_case(member): response[member]
                    for member in of_image
                    if response.get(member)
                }
            )
    return ranked


def _rank_tags(tags: list[Tag], *, reading_order: bool = False) -> list[Tag]:
    """Rank from 1 within each kind: by confidence, then by order; words and lines by order."""
    if not reading_order:
        tags = sorted(
            tags, key=lambda tag: 0.0 if tag.kind in ("word", "line") else -tag.confidence
        )
    seen: dict[str, int] = {}
    ranked = []
    for tag in tags:
        seen[tag.kind] = seen.get(tag.kind, 0) + 1
        rank = seen[tag.kind]
        ranked.append(tag if tag.rank == rank else replace(tag, rank=rank))
    return ranked
