"""The points of a face: turned upright where needed, and the pose that follows from them.

YuNet finds faces that are turned by 45 degrees but places their points as if they were turned by a
third of that. dlib's predictor follows the turn, but has no mouth and is lost in profile.
So dlib tells by how much to turn the face, and YuNet looks at it once more.
"""

import math
from typing import Any

import cv2
import dlib
import numpy as np
import numpy.typing as npt

from image_tags.tasks.adapters.analyzers.local import yunet
from image_tags.tasks.adapters.analyzers.local.packages import model_file
from image_tags.tasks.adapters.analyzers.local.pixels import Rgb
from image_tags.tasks.adapters.single_flight import run_once

NOSE_DEPTH = 0.4
"""How far the nose's tip is in front of the eyes, in distances between the eyes.

With it, the example of DetectFaces in the API Reference (yaw 13.7) comes out at 13.
"""

_ALIGNED_SHARE = 0.83
"""dlib's landmarks expect its own detector's squares, which are this share of YuNet's height."""

_CHIP = 150
"""px a side of an aligned face, as the recognition network takes it."""

_LARGEST_DOUBT = 5.0
"""Degrees between the rolls by dlib's and by YuNet's points from which YuNet looks once more."""

_SECOND_LOOK = 192
"""px a side of the face turned upright, with as much around it as it is high."""


def align_face(pixels: Rgb, found: yunet.Detection) -> tuple[yunet.Values, Rgb]:
    """Place a face's points and cut it out upright.

    Returns:
        The five points (5, 2) in px of the picture, and the chip of 150 x 150 px that dlib's
        recognition network expects.

    """
    left, top, across, down = found.box
    x, y = left + across / 2, top + down / 2
    half = _ALIGNED_SHARE * down / 2
    square = dlib.rectangle(round(x - half), round(y - half), round(x + half), round(y + half))
    shape = _load_landmarks()(pixels, square)
    chip = np.asarray(dlib.get_face_chip(pixels, shape, _CHIP))
    corners = np.array([(shape.part(n).x, shape.part(n).y) for n in range(4)], np.float64)
    roll = measure_roll((corners[2] + corners[3]) / 2, (corners[0] + corners[1]) / 2)
    doubt = abs(roll - measure_roll(found.points[0], found.points[1])) > _LARGEST_DOUBT
    return (_look_again(pixels, found, roll) if doubt else found.points), chip


def measure_roll(left: yunet.Values, right: yunet.Values) -> float:
    """Measure by how many degrees the line between two eyes is turned clockwise."""
    across, down = right - left
    return math.degrees(math.atan2(down, across))


def measure_pose(points: yunet.Values) -> tuple[float, float]:
    """Measure roll and yaw in degrees from the five points (5, 2) in px.

    Roll is the slope of the line between the eyes. Yaw follows from how far the nose's tip is off
    their middle: it is in front of them, so it moves as the head turns. Pitch cannot be had from
    five points, as faces differ more in length than a nod changes it.
    """
    across = points[1] - points[0]
    distance = max(float(np.hypot(*across)), 1e-6)
    off = float((points[2] - (points[0] + points[1]) / 2) @ (across / distance))
    return measure_roll(points[0], points[1]), math.degrees(math.atan2(off, NOSE_DEPTH * distance))


def _look_again(pixels: Rgb, found: yunet.Detection, roll: float) -> yunet.Values:
    """Find the points on the face turned upright; those already known if that is less of a face."""
    left, top, across, down = found.box
    centre = (float(left + across / 2), float(top + down / 2))
    scale = _SECOND_LOOK / (2 * max(across, down))
    turn = np.asarray(cv2.getRotationMatrix2D(centre, roll, scale), np.float64)
    turn[:, 2] += _SECOND_LOOK / 2 - np.array(centre)
    upright = np.asarray(cv2.warpAffine(pixels, turn, (_SECOND_LOOK, _SECOND_LOOK)), np.uint8)
    seen = yunet.detect_faces(upright, found.score, _SECOND_LOOK)
    if not seen:
        return found.points
    back: npt.NDArray[np.float64] = np.asarray(cv2.invertAffineTransform(turn), np.float64)
    return np.asarray(seen[0].points @ back[:, :2].T + back[:, 2])


@run_once
def _load_landmarks() -> Any:
    return dlib.shape_predictor(
        str(model_file("face_recognition_models", "shape_predictor_5_*.dat"))
    )
