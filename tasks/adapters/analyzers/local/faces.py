"""Faces: where they are, how they are held and seen, and a vector that tells people apart.

Faces and their five points are YuNet's (module `yunet`). The vectors are made by two models of
Davis E. King (github.com/davisking/dlib-models), both in the public domain: a 5-point shape
predictor, which turns a face upright, and the face recognition network, whose vectors of one person
are within 0.6 of each other (99.38 % right on Labeled Faces in the Wild). The 68-point predictor in
the same package is not used: the licence of its training pictures excludes commercial use.
"""

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import dlib
import numpy as np
import numpy.typing as npt

from image_tags.tasks.adapters.analyzers.local import yunet
from image_tags.tasks.adapters.analyzers.local.face_points import align_face, measure_pose
from image_tags.tasks.adapters.analyzers.local.packages import model_file
from image_tags.tasks.adapters.analyzers.local.pixels import Box, Rgb
from image_tags.tasks.adapters.single_flight import run_once

LEAST_SCORE = 0.8
"""YuNet's score (0-1) from which a face counts."""

LEAST_SCORE_ON_ANIMALS = 0.9
"""The same where the picture shows an animal: YuNet takes some muzzles for faces, with less."""

LANDMARKS = ("eyeLeft", "eyeRight", "nose", "mouthLeft", "mouthRight")
"""Rekognition's names of YuNet's five points, in their order."""

_SHARP = 500.0
"""Variance of the Laplacian that counts as half sharp; see `measure_sharpness`."""

_MEASURED_SIDE = 112
"""px a side to which a face is scaled before its sharpness is measured."""

Vector = npt.NDArray[np.float64]
"""(128,): the recognition network's description of a face."""


@dataclass(frozen=True)
class Face:
    """A face in a picture.

    Attributes:
        box: cut off at the picture's edges.
        confidence: 0-100, that it is a face.
        landmarks: Rekognition's name -> x, y as shares of width and height.
        roll: degrees by which the head is turned clockwise in the picture's plane.
        yaw: degrees by which it looks to the picture's right; below 0 to the left.
        brightness: 0-100, of the pixels in the box.
        sharpness: 0-100, of the pixels in the box.
        chip: the face cut out, turned upright, 150 x 150 px.

    """

    box: Box
    confidence: float
    landmarks: dict[str, tuple[float, float]]
    roll: float
    yaw: float
    brightness: float
    sharpness: float
    chip: Rgb


def find_faces(
    pixels: Rgb,
    side: int = yunet.SIDE,
    least: float = LEAST_SCORE,
    shows_animal: Callable[[], bool] = lambda: False,
) -> list[Face]:
    """Find the faces in the picture, largest first.

    Args:
        pixels: the picture.
        side: px to which its longer side is scaled before the search.
        least: score (0-1) from which a face counts.
        shows_animal: whether the picture shows an animal; only asked where that matters.

    """
    found = yunet.detect_faces(pixels, least, side)
    if any(face.score < LEAST_SCORE_ON_ANIMALS for face in found) and shows_animal():
        found = [face for face in found if face.score >= LEAST_SCORE_ON_ANIMALS]
    faces = [_build_face(pixels, face) for face in found]
    return sorted(faces, key=lambda face: -face.box.width * face.box.height)


def describe_face(face: Face) -> Vector:
    """Compute the face's vector (105 ms).

    Faces of one person are close together; dlib's published limit is a distance of 0.6.
    """
    with _describing:
        return np.asarray(_load_network().compute_face_descriptor(face.chip))


def measure_brightness(crop: Rgb) -> float:
    """Measure the mean luma (ITU-R BT.601) of a picture as 0-100."""
    return float(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).mean() / 2.55)


def measure_sharpness(crop: Rgb) -> float:
    """Measure how sharp a picture is as 0-100; 50 where the Laplacian's variance is 500.

    All are scaled to one size first, so that a small face counts as blurred as it looks when it is
    enlarged.
    """
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    side = (_MEASURED_SIDE, _MEASURED_SIDE)
    shrinks = min(grey.shape) > _MEASURED_SIDE
    grey = cv2.resize(grey, side, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
    variance = float(cv2.Laplacian(grey, cv2.CV_64F).var())
    return 100 * variance / (variance + _SHARP)


def _build_face(pixels: Rgb, found: yunet.Detection) -> Face:
    height, width = pixels.shape[:2]
    left, top, right, bottom = _cut_box(found.box, width, height)
    crop = pixels[top : max(bottom, top + 1), left : max(right, left + 1)]
    points, chip = align_face(pixels, found)
    roll, yaw = measure_pose(points)
    shares = [(float(x / width), float(y / height)) for x, y in points]
    return Face(
        box=Box(left / width, top / height, (right - left) / width, (bottom - top) / height),
        confidence=100 * found.score,
        landmarks=dict(zip(LANDMARKS, shares, strict=True)),
        roll=roll,
        yaw=yaw,
        brightness=measure_brightness(crop),
        sharpness=measure_sharpness(crop),
        chip=chip,
    )


def _cut_box(box: yunet.Values, width: int, height: int) -> tuple[int, int, int, int]:
    """Whole px of left, top, right and bottom, within the picture."""
    left, top, across, down = box
    return (
        min(max(math.floor(left), 0), width - 1),
        min(max(math.floor(top), 0), height - 1),
        min(math.ceil(left + across), width),
        min(math.ceil(top + down), height),
    )


_describing = threading.Lock()
"""The network keeps its activations in itself.

It holds Python's lock while it runs, so that nothing is lost by ours.
"""


@run_once
def _load_network() -> Any:
    return dlib.face_recognition_model_v1(
        str(model_file("face_recognition_models", "dlib_face_recognition_resnet_model_v1.dat"))
    )
