"""Faces: where they are, their landmarks, and a vector that tells one person from another.

Models, all by Davis E. King (github.com/davisking/dlib-models): the frontal HOG detector inside
dlib, and in the public domain the 5-point shape predictor and the face recognition network, whose
vectors of one person lie within 0.6 of each other (99.38% right on Labeled Faces in the Wild). The
68-point predictor in the same package is not used: the licence of the pictures it was trained on
excludes commercial use.
"""

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import dlib
import numpy as np
import numpy.typing as npt
from PIL import Image

from image_tags.tasks.adapters.analyzers.local.packages import model_file
from image_tags.tasks.adapters.analyzers.local.pixels import Box, Rgb, scale_size
from image_tags.tasks.adapters.analyzers.local.shared import run_once

DETECTION_SIDE = 1024
"""px of the longer side at which faces are looked for; the smallest face found is some 80 px of
these.
"""

LEAST_SCORE = 0.15
"""The detector's own threshold is 0.

From 0.15 on, 75 of the 79 faces found in 1,000 ImageNet pictures were faces.
"""

_CHIP = 150
"""px a side of an aligned face, as the recognition network takes it."""

Vector = npt.NDArray[np.float64]
"""(128,): the recognition network's description of a face."""


@dataclass(frozen=True)
class Face:
    """A found face.

    Attributes:
        box: cut off at the picture's edges.
        confidence: 0-100, that it is a face.
        landmarks: Rekognition's name -> x, y as shares of width and height.
        roll: degrees that the head is turned clockwise in the picture's plane.
        chip: the face cut out, turned upright, 150 x 150 px.

    """

    box: Box
    confidence: float
    landmarks: dict[str, tuple[float, float]]
    roll: float
    chip: Rgb


def find_faces(pixels: Rgb, side: int = DETECTION_SIDE, least: float = LEAST_SCORE) -> list[Face]:
    """The faces in the picture, largest first."""
    height, width = pixels.shape[:2]
    scaled = np.asarray(
        Image.fromarray(pixels).resize(scale_size((width, height), side), Image.Resampling.BILINEAR)
    )
    with _borrow_detector() as detector:
        boxes, scores, _ = detector.run(scaled, 0, least)
    faces = [_build_face(scaled, box, score) for box, score in zip(boxes, scores, strict=True)]
    return sorted(faces, key=lambda face: -face.box.width * face.box.height)


def describe_face(face: Face) -> Vector:
    """The face's vector.

    Faces of one person lie close together; dlib's published limit is a distance of 0.6.
    """
    with _describing:
        return np.asarray(_load_network().compute_face_descriptor(face.chip))


def _build_face(picture: Rgb, box: Any, score: float) -> Face:
    height, width = picture.shape[:2]
    shape = _load_landmarks()(picture, box)
    points = [(shape.part(n).x / width, shape.part(n).y / height) for n in range(5)]
    left, top = max(box.left(), 0) / width, max(box.top(), 0) / height
    right, bottom = min(box.right() + 1, width) / width, min(box.bottom() + 1, height) / height
    (ax, ay), (bx, by) = ((_find_middle(points[i], points[j])) for i, j in ((2, 3), (0, 1)))
    return Face(
        box=Box(left, top, right - left, bottom - top),
        confidence=_score_confidence(score),
        landmarks={
            "eyeLeft": (ax, ay),
            "eyeRight": (bx, by),
            "nose": points[4],
            "leftEyeLeft": points[2],
            "leftEyeRight": points[3],
            "rightEyeLeft": points[1],
            "rightEyeRight": points[0],
        },
        roll=math.degrees(math.atan2((by - ay) * height, (bx - ax) * width)),
        chip=np.asarray(dlib.get_face_chip(picture, shape, _CHIP)),
    )


def _find_middle(a: tuple[float, float], b: tuple[float, float]) -> tuple[float, float]:
    return (a[0] + b[0]) / 2, (a[1] + b[1]) / 2


def _score_confidence(score: float) -> float:
    """The detector's score, which has no upper end, as 0-100: 0.15 is 61, 1 is 95, 2 is 99.8."""
    return 100 / (1 + math.exp(-3 * score)) if score < 20 else 100.0


_idle: list[Any] = []
"""Detectors not in use. One keeps its pyramid in itself and runs without Python's lock, so no two
threads may share one; it takes 0.3 s to make, so none is thrown away.
"""


@contextmanager
def _borrow_detector() -> Iterator[Any]:
    try:
        detector = _idle.pop()
    except IndexError:
        detector = dlib.get_frontal_face_detector()
    try:
        yield detector
    finally:
        _idle.append(detector)


_describing = threading.Lock()
"""The network keeps its activations in itself.

It holds Python's lock while it runs, so that nothing is lost by ours.
"""


@run_once
def _load_landmarks() -> Any:
    return dlib.shape_predictor(
        str(model_file("face_recognition_models", "shape_predictor_5_*.dat"))
    )


@run_once
def _load_network() -> Any:
    return dlib.face_recognition_model_v1(
        str(model_file("face_recognition_models", "dlib_face_recognition_resnet_model_v1.dat"))
    )
