"""From a response to tags: one reader an operation.

Robust to everything that the service's model allows: any member missing or null, lists empty. What
no column holds goes to `details` under the member's own name in snake_case, so that members added
to the service later arrive there by themselves. A detection without a name is no tag; one without a
confidence has 0 and says so in its details.
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
    clipped,
    names_of,
    rest,
    snake,
    storable,
)

FACE = "Face"
"""The name of a tag of kind `face`: a face that nobody named."""


def read_labels(response: JsonObject) -> list[Tag]:
    """DetectLabels: kind `label`.

    Image properties, if asked for, are in the details of the label of rank 1.
    """
    response = storable(response)
    tags = [
        _tag(
            "label",
            label.get("Name"),
            label.get("Confidence"),
            box=next((box for box in map(box_of, as_list(label, "Instances")) if box), None),
            instances=sum(1 for instance in as_list(label, "Instances") if box_of(instance)),
            parents=names_of(label, "Parents"),
            categories=names_of(label, "Categories"),
            details={
                **rest(label, "Name", "Confidence", "Parents", "Categories", "Aliases"),
                "aliases": names_of(label, "Aliases"),
            },
        )
        for label in as_list(response, "Labels")
    ]
    return _finished("detect_labels", response, tags, of_image=("ImageProperties",))


def read_text(response: JsonObject) -> list[Tag]:
    """DetectText: kinds `word` and `line`, in the response's own order, which is the reading order."""
    response = storable(response)
    tags = []
    for text in as_list(response, "TextDetections"):
        is_line = text.get("Type") == "LINE" or (
            text.get("Type") != "WORD" and text.get("ParentId") is None
        )
        geometry = as_object(text, "Geometry")
        details = {
            **rest(text, "DetectedText", "Type", "Confidence", "Id", "Geometry"),
            **rest(geometry, "BoundingBox"),
            "text_id": text.get("Id"),
        }
        tags.append(
            _tag(
                "line" if is_line else "word",
                text.get("DetectedText"),
                text.get("Confidence"),
                box=box_of(geometry),
                details=details,
            )
        )
    return _finished("detect_text", response, tags, reading_order=True)


def read_celebrities(response: JsonObject) -> list[Tag]:
    """RecognizeCelebrities: kind `celebrity` by MatchConfidence, and kind `face` for faces it did
    not recognise.
    """
    response = storable(response)
    tags = []
    for celebrity in as_list(response, "CelebrityFaces"):
        face = as_object(celebrity, "Face")
        details = {
            **rest(celebrity, "Name", "MatchConfidence", "Face", "KnownGender"),
            "known_gender": as_object(celebrity, "KnownGender").get("Type"),
            "face_confidence": face.get("Confidence"),
            "face": rest(face, "BoundingBox", "Confidence"),
        }
        confidence = celebrity.get("MatchConfidence")
        tags.append(
            _tag("celebrity", celebrity.get("Name"), confidence, box=box_of(face), details=details)
        )
    tags += [_face(face) for face in as_list(response, "UnrecognizedFaces")]
    return _finished("recognize_celebrities", response, tags)


def read_moderation(response: JsonObject) -> list[Tag]:
    """DetectModerationLabels: kind `moderation`.

    Content types, if any, are in the details of the one of rank 1.
    """
    response = storable(response)
    tags = [
        _tag(
            "moderation",
            label.get("Name"),
            label.get("Confidence"),
            parents=[label["ParentName"]] if label.get("ParentName") else [],
            details=rest(label, "Name", "Confidence", "ParentName"),
        )
        for label in as_list(response, "ModerationLabels")
    ]
    return _finished("detect_moderation_labels", response, tags, of_image=("ContentTypes",))


def read_faces(response: JsonObject) -> list[Tag]:
    """DetectFaces: kind `face`, with its attributes in the details."""
    response = storable(response)
    return _finished(
        "detect_faces", response, [_face(face) for face in as_list(response, "FaceDetails")]
    )


def merge(readings: Iterable[list[Tag]]) -> list[Tag]:
    """The tags of one image from several operations, ranked again within each kind.

    Each tag's details name the operation it came from; a face that two operations report is one.
    """
    return _ranked(join_faces([tag for tags in readings for tag in tags]))


def _face(face: JsonObject) -> Tag:
    details = rest(face, "BoundingBox", "Confidence")
    return _tag("face", FACE, face.get("Confidence"), box=box_of(face), details=details)


def _tag(
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
    inside = clipped(box) if box else None
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


def _finished(
    operation: str,
    response: JsonObject,
    tags: list[Tag],
    *,
    of_image: tuple[str, ...] = (),
    reading_order: bool = False,
) -> list[Tag]:
    """Leave out what has no name, rank, and add to the details what the response says of the whole
    image.
    """
    ranked = _ranked([tag for tag in tags if tag.name], reading_order=reading_order)
    for tag in ranked:
        tag.details["operation"] = operation
        if response.get("OrientationCorrection"):
            tag.details["orientation_correction"] = response["OrientationCorrection"]
        if tag.rank == 1:
            tag.details.update(
                {snake(member): response[member] for member in of_image if response.get(member)}
            )
    return ranked


def _ranked(tags: list[Tag], *, reading_order: bool = False) -> list[Tag]:
    """Ranks 1..

    within each kind: by confidence, equals in the order given; words and lines as they come.
    """
    if not reading_order:
        tags = sorted(
            tags, key=lambda tag: 0.0 if tag.kind in ("word", "line") else -tag.confidence
        )
    seen: dict[str, int] = {}
    ranked = []
    for tag in tags:
        seen[tag.kind] = seen.get(tag.kind, 0) + 1
        ranked.append(replace(tag, rank=seen[tag.kind]))
    return ranked
