"""What is written on a strip: RapidOCR's recogniser, with less work around its model.

What comes out is equal, bit by bit, to what RapidOCR makes of the same strip by itself. It spends
1 to 2 ms per strip on reading its configuration, on floating-point numbers that a table of 256
values holds, and on sorting characters into words of scripts, which are not used here.
"""

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from image_tags.tasks.adapters.analyzers.local.pixels import Rgb

_VALUES = ((np.arange(256, dtype=np.float32) / 255) - 0.5) / 0.5
"""What the model takes for each value of a pixel, 0-255."""

_BLANK = 0
"""The character that stands for none."""


@dataclass(frozen=True)
class Reading:
    """What was read on one strip.

    Attributes:
        text: the characters with the spaces between them.
        confidence: 0-100, the characters' mean.
        confidences: 0-100 of each character, spaces too.
        centres: places of the characters but spaces, 0-1 along the strip.

    """

    text: str
    confidence: float
    confidences: list[float]
    centres: list[float]


class Recognizer:
    """Reads strips with the recogniser of a RapidOCR, which is not typed throughout."""

    def __init__(self, engine: Any) -> None:
        recognizer = engine._load_rec_model()
        self._session = recognizer.session
        self._characters: list[str] = recognizer.postprocess_op.character
        _, self._height, self._width = (int(side) for side in recognizer.rec_image_shape)

    def read_strip(self, strip: Rgb) -> Reading:
        """Read one line, as BGR."""
        height, width = strip.shape[:2]
        widest = max(self._width / self._height, width / height)
        scores = self._session(prepare_strip(strip, self._height, widest))[0]
        indexes = scores.argmax(axis=1)
        places = np.flatnonzero(
            (indexes != _BLANK) & np.concatenate([[True], indexes[1:] != indexes[:-1]])
        )
        sure = [round(one, 5) for one in scores[places, indexes[places]].tolist()]
        text = "".join(self._characters[n] for n in indexes[places])
        length = len(indexes) * (width / height) / widest
        return Reading(
            text=text,
            confidence=100 * float(np.mean(sure or [0]).round(5)),
            confidences=[100 * one for one in sure],
            centres=[
                (place + 0.5) / max(length, 1)
                for place, character in zip(places.tolist(), text, strict=True)
                if not character.isspace()
            ],
        )


def prepare_strip(strip: Rgb, height: int, widest: float) -> npt.NDArray[np.float32]:
    """(1, 3, height, height x widest): the strip scaled to the height, and zeros right of it."""
    columns = int(height * widest)
    width = min(columns, math.ceil(height * (strip.shape[1] / strip.shape[0])))
    values = np.zeros((1, 3, height, columns), np.float32)
    for n, plane in enumerate(cv2.split(cv2.resize(strip, (width, height)))):
        values[0, n, :, :width] = cv2.LUT(plane, _VALUES)
    return values
