"""Words and lines in a picture, read by RapidOCR with the PP-OCR models in its package.

Code and models are under Apache-2.0.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from image_tags.tasks.adapters.analyzers.local.packages import model_file
from image_tags.tasks.adapters.analyzers.local.pixels import Rgb
from image_tags.tasks.adapters.analyzers.local.sessions import limit_threads
from image_tags.tasks.adapters.analyzers.local.text_recognition import Reading, Recognizer
from image_tags.tasks.adapters.single_flight import run_once

DETECTION_SIDE = 576
"""px of the longer side at which lines are looked for; benchmarks/local_analyzer.py compares."""

LEAST_SIDE = 8
"""px: no letter can be read in less, and RapidOCR would enlarge such a strip to 30 px."""

LEAST_CONFIDENCE = 75.0
"""Lines read with less (0-100) are mostly noise: coins and lenses read as zeros.

RapidOCR's own default is 50.
"""

SURE = 90.0
"""A line read with less may be upside down and is read turned round as well.

The better reading counts. RapidOCR's own classifier of upside-down lines is not asked: it turned
two of seven lines of a straight page.
"""

Quad = npt.NDArray[np.float64]
"""(4, 2): x, y as shares (0-1) of width and height; top left, top right, bottom right, bottom left
as the text reads.
"""


@dataclass(frozen=True)
class Word:
    """What is between two spaces, how sure (0-100) and where."""

    text: str
    confidence: float
    quad: Quad


@dataclass(frozen=True)
class Line:
    """Words in a row. `quad` is the line's."""

    text: str
    confidence: float
    quad: Quad
    words: tuple[Word, ...]


class Reader:
    """RapidOCR's detector of lines and its recogniser, each run by itself.

    May be used from many threads.
    """

    def __init__(
        self, side: int = DETECTION_SIDE, least: float = LEAST_CONFIDENCE, sure: float = SURE
    ) -> None:
        """Load the models: silent, one thread per picture.

        Their files are named one by one, so that RapidOCR looks for none elsewhere.
        """
        # Takes 1.7 s to import: only who reads text pays for it.
        from rapidocr import RapidOCR

        # Imports RapidOCR too.
        from image_tags.tasks.adapters.analyzers.local.text_strips import LineFinder

        limit_threads()
        self._least, self._sure = least, sure
        engine = RapidOCR(
            params={
                "Global.log_level": "critical",
                "Global.return_word_box": True,
                "Global.use_cls": False,
                "EngineConfig.onnxruntime.intra_op_num_threads": 1,
                "EngineConfig.onnxruntime.inter_op_num_threads": 1,
                # Off, memory goes back to the system after each layer, and threads wait for it.
                "EngineConfig.onnxruntime.enable_cpu_mem_arena": True,
                "Det.model_path": str(model_file("rapidocr", "*_det_*.onnx")),
                "Det.limit_type": "max",
                "Det.limit_side_len": side,
                "Rec.model_path": str(model_file("rapidocr", "*_rec_*.onnx")),
            }
        )
        self._finder, self._recognizer = LineFinder(engine), Recognizer(engine)

    def read_lines(self, pixels: Rgb) -> Iterator[Line]:
        """Read the lines from top to bottom, those side by side from left to right.

        Ornaments (`***`) are left out. A line is read (some 45 ms) when it is asked for, so a
        caller who has enough words saves the rest.
        """
        height, width = pixels.shape[:2]
        if min(height, width) < LEAST_SIDE:
            return
        turned = False
        for box, strip in self._finder.find_strips(pixels):
            reading, turned = self._read_either_way(strip, turned)
            if reading.confidence >= self._least and any(
                character.isalnum() for character in reading.text
            ):
                quad = np.clip(_turn_quad(box, turned) / (width, height), 0.0, 1.0)
                yield Line(
                    reading.text.strip(),
                    reading.confidence,
                    quad,
                    tuple(_split_words(reading, quad)),
                )

    def _read_either_way(self, strip: Rgb, turned: bool) -> tuple[Reading, bool]:
        """Start with the direction of the line before: upside down, that saves half the work."""
        first = self._read_strip(strip, turned)
        if first.confidence >= self._sure:
            return first, turned
        second = self._read_strip(strip, not turned)
        return (second, not turned) if second.confidence > first.confidence else (first, turned)

    def _read_strip(self, strip: Rgb, turned: bool) -> Reading:
        upright = np.asarray(cv2.rotate(strip, cv2.ROTATE_180), np.uint8) if turned else strip
        return self._recognizer.read_strip(upright)


load_reader = run_once(Reader)
"""The one reader of this process."""


def _turn_quad(box: Quad, turned: bool) -> Quad:
    """Order the corners from the one where the text begins.

    RapidOCR turns a tall box so that it reads downwards.
    """
    across = int(max(np.linalg.norm(box[0] - box[1]), np.linalg.norm(box[2] - box[3])))
    down = int(max(np.linalg.norm(box[0] - box[3]), np.linalg.norm(box[1] - box[2])))
    steps = (1 if down >= 1.5 * across else 0) + (2 if turned else 0)
    return np.roll(box, -steps, axis=0)


def _split_words(reading: Reading, quad: Quad) -> Iterator[Word]:
    """Split the reading at its spaces.

    Each word's corners are on the line's edges, half a character before and after it.
    """
    centres = iter(reading.centres)
    half = _measure_spacing(reading.centres) / 2
    start = 0
    for text in reading.text.split():
        start = reading.text.index(text, start)
        sure = reading.confidences[start : start + len(text)]
        places = [next(centres) for _ in text]
        start += len(text)
        yield Word(
            text, float(np.mean(sure)), _cut_quad(quad, min(places) - half, max(places) + half)
        )


def _measure_spacing(centres: list[float]) -> float:
    """Measure the usual distance between neighbouring characters."""
    return float(np.median(np.diff(centres))) if len(centres) > 1 else 1.0


def _cut_quad(quad: Quad, begin: float, end: float) -> Quad:
    """Cut out the part of a line between two places (0-1) along it."""
    along = np.array([begin, end, end, begin]).clip(0.0, 1.0)[:, None]
    starts, ends = quad[[0, 0, 3, 3]], quad[[1, 1, 2, 2]]
    return np.asarray(starts + along * (ends - starts))
