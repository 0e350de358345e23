"""Members that several of Rekognition's responses have."""

from image_tags.tasks.adapters.analyzers.local.pixels import Box

_DECIMALS = 4
"""of a confidence."""


def build_box(box: Box) -> dict[str, float]:
    """Build a BoundingBox."""
    return {"Width": box.width, "Height": box.height, "Left": box.left, "Top": box.top}


def round_confidence(confidence: float) -> float:
    """Keep a confidence within 0-100, with four decimals."""
    return round(min(max(confidence, 0.0), 100.0), _DECIMALS)
