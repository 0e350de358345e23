"""From what the models found to responses in Rekognition's shape. Pure functions.

Shapes and limits: Amazon Rekognition API Reference (DetectLabels, DetectText, RecognizeCelebrities,
DetectFaces).
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from image_tags.tasks.adapters.analyzers.local.faces import Face
from image_tags.tasks.adapters.analyzers.local.gallery import Person
from image_tags.tasks.adapters.analyzers.local.pixels import Box
from image_tags.tasks.adapters.analyzers.local.taxonomy import Label, load_taxonomy
from image_tags.tasks.adapters.analyzers.local.text import Line, Quad, Word
from image_tags.tasks.contracts.records import JsonObject
from image_tags.tasks.contracts.settings import AnalysisSettings

MOST_WORDS = 100
MOST_CELEBRITIES = 64
MOST_FACES = 100

_DECIMALS = 4
"""of a confidence."""


def build_labels(
    of_classes: npt.NDArray[np.float64], faces: list[Face], settings: AnalysisSettings
) -> JsonObject:
    """DetectLabels.

    A found face makes Person and Face at least as sure as itself; the box of either is the face's.
    """
    known = load_taxonomy()
    confidences = {
        label.name: 100 * float(p)
        for label, p in zip(known.labels, known.sum_probabilities(of_classes), strict=True)
    }
    seen = max((face.confidence for face in faces), default=0.0)
    confidences["Person"] = max(confidences["Person"], seen)
    confidences["Face"] = seen
    instances = [
        {"BoundingBox": _build_box(face.box), "Confidence": _round_confidence(face.confidence)}
        for face in faces
    ]
    found: list[JsonObject] = [
        {
            "Name": label.name,
            "Confidence": _round_confidence(confidences[label.name]),
            "Instances": instances if label.name in ("Person", "Face") else [],
            "Parents": [{"Name": name} for name in label.ancestors],
            "Aliases": [],
            "Categories": [{"Name": label.category}],
        }
        for label in known.labels
        if 0 < confidences[label.name] >= settings.label_confidence
        and _passes_filters(label, settings)
    ]
    return {"Labels": sorted(found, key=lambda label: -label["Confidence"])[: settings.max_labels]}


def _passes_filters(label: Label, settings: AnalysisSettings) -> bool:
    """By the filters: without inclusive ones everything is in; an exclusive one always wins.

    Names must be exact.
    """
    if label.name in settings.label_exclude or label.category in settings.label_category_exclude:
        return False
    if not settings.label_include and not settings.label_category_include:
        return True
    return label.name in settings.label_include or label.category in settings.label_category_include


def build_text(lines: Iterable[Line], settings: AnalysisSettings) -> JsonObject:
    """DetectText: the lines, then their words.

    A line goes with its last word; after 100 words no more are asked for.
    """
    kept: list[tuple[Line, list[Word]]] = []
    left = MOST_WORDS
    for line in lines:
        words = [word for word in line.words if _is_legible(word, settings)][:left]
        left -= len(words)
        if words:
            kept.append((line, words))
        if not left:
            break
    found = [_build_detection("LINE", n, line) for n, (line, _) in enumerate(kept)]
    for parent, (_, words) in enumerate(kept):
        found += [
            {**_build_detection("WORD", len(found) + n, word), "ParentId": parent}
            for n, word in enumerate(words)
        ]
    return {"TextDetections": found}


def _is_legible(word: Word, settings: AnalysisSettings) -> bool:
    width, height = np.ptp(word.quad, axis=0)
    return bool(
        word.confidence >= settings.word_confidence
        and width >= settings.word_min_width
        and height >= settings.word_min_height
    )


def _build_detection(kind: str, number: int, found: Line | Word) -> JsonObject:
    return {
        "DetectedText": found.text,
        "Type": kind,
        "Id": number,
        "Confidence": _round_confidence(found.confidence),
        "Geometry": {
            "BoundingBox": _build_box(_bound_quad(found.quad)),
            "Polygon": [{"X": float(x), "Y": float(y)} for x, y in found.quad],
        },
    }


def _bound_quad(quad: Quad) -> Box:
    (left, top), (right, bottom) = quad.min(axis=0), quad.max(axis=0)
    return Box(float(left), float(top), float(right - left), float(bottom - top))


def build_celebrities(faces: list[Face], matches: list[tuple[Person, float] | None]) -> JsonObject:
    """RecognizeCelebrities: the faces with, in the same order, who each is."""
    known = [
        {
            "Urls": [],
            "Name": match[0].name,
            "Id": match[0].id,
            "Face": _build_face(face),
            "MatchConfidence": _round_confidence(match[1]),
        }
        for face, match in zip(faces, matches, strict=True)
        if match
    ]
    return {
        "CelebrityFaces": known,
        "UnrecognizedFaces": [
            _build_face(face) for face, match in zip(faces, matches, strict=True) if not match
        ],
    }


def build_face_details(faces: list[Face]) -> JsonObject:
    """DetectFaces, with what five landmarks say; no age, no emotion."""
    return {"FaceDetails": [_build_face(face) for face in faces[:MOST_FACES]]}


def _build_face(face: Face) -> dict[str, Any]:
    return {
        "BoundingBox": _build_box(face.box),
        "Confidence": _round_confidence(face.confidence),
        "Landmarks": [{"Type": kind, "X": x, "Y": y} for kind, (x, y) in face.landmarks.items()],
        "Pose": {"Roll": face.roll},
    }


def _build_box(box: Box) -> dict[str, float]:
    return {"Width": box.width, "Height": box.height, "Left": box.left, "Top": box.top}


def _round_confidence(confidence: float) -> float:
    return round(min(max(confidence, 0.0), 100.0), _DECIMALS)
