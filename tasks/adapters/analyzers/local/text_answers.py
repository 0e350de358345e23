"""From the lines that were read to DetectText.

Pure functions. Shape and limits: Amazon Rekognition API Reference, DetectText.
"""

from collections.abc import Iterable

import numpy as np

from image_tags.tasks.adapters.analyzers.local.answer_parts import build_box, round_confidence
from image_tags.tasks.adapters.analyzers.local.pixels import Box
from image_tags.tasks.adapters.analyzers.local.text import Line, Quad, Word
from image_tags.tasks.contracts.records import JsonObject
from image_tags.tasks.contracts.settings import AnalysisSettings

MOST_WORDS = 100


def build_text(lines: Iterable[Line], settings: AnalysisSettings) -> JsonObject:
    """Build the response: the lines, then their words.

    A line without a word that passes the filter is left out. Once there are 100 words, no further
    line is asked for.
    """
    kept: list[tuple[Line, list[Word]]] = []
    left = MOST_WORDS
    for line in lines:
        words = [word for word in line.words if _passes_filter(word, settings)][:left]
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


def _passes_filter(word: Word, settings: AnalysisSettings) -> bool:
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
        "Confidence": round_confidence(found.confidence),
        "Geometry": {
            "BoundingBox": build_box(_bound_quad(found.quad)),
            "Polygon": [{"X": float(x), "Y": float(y)} for x, y in found.quad],
        },
    }


def _bound_quad(quad: Quad) -> Box:
    (left, top), (right, bottom) = quad.min(axis=0), quad.max(axis=0)
    return Box(float(left), float(top), float(right - left), float(bottom - top))
