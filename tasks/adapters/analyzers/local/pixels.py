"""From a stored picture's bytes to pixels as the models take them: upright, RGB, not too large."""

import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from image_tags.tasks.adapters.pictures.orientation import turn_upright
from image_tags.tasks.contracts.errors import Rejected
from image_tags.tasks.contracts.reasons import Reason

Rgb = npt.NDArray[np.uint8]
"""(height, width, 3), 0-255."""

LONGEST_SIDE = 1600
"""px that any model gets to see of a side.

Enough for small print, and a sixteenth of the memory of a camera's picture.
"""

_BACKGROUND = (255, 255, 255)


@dataclass(frozen=True)
class Box:
    """A box as shares (0-1) of the upright picture's width and height."""

    left: float
    top: float
    width: float
    height: float


def read_pixels(data: bytes) -> Rgb:
    """Read a picture, upright and on white where it is transparent.

    Rekognition turns JPEG pictures upright as their EXIF asks and leaves PNG as it is; so does
    this.

    Raises:
        Rejected: the bytes are not a picture, or a damaged one.

    """
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.draft(
                "RGB", (LONGEST_SIDE, LONGEST_SIDE)
            )  # JPEG: decode at 1/2, 1/4 or 1/8 if that is still enough
            return np.asarray(
                _shrink_to_fit(_flatten_alpha(_reduce_to_8_bits(_turn_jpeg_upright(image))))
            )
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise Rejected(
            Reason.REFUSED_BY_ANALYZER, f"the local analyzer cannot read this picture: {error}"
        ) from None


def _turn_jpeg_upright(image: Image.Image) -> Image.Image:
    return turn_upright(image) if image.format in ("JPEG", "MPO") else image


def _reduce_to_8_bits(image: Image.Image) -> Image.Image:
    """Scale 16-bit grey down to 8 bits; Pillow's own conversion would clip it to white."""
    if not image.mode.startswith("I"):
        return image
    values = np.asarray(image).astype(np.int64)
    return Image.fromarray((np.clip(values, 0, 65535) >> 8).astype(np.uint8))


def _flatten_alpha(image: Image.Image) -> Image.Image:
    if image.mode in ("LA", "PA", "La", "RGBA", "RGBa") or "transparency" in image.info:
        above = image.convert("RGBA")
        background = Image.new("RGBA", above.size, (*_BACKGROUND, 255))
        return Image.alpha_composite(background, above).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def _shrink_to_fit(image: Image.Image) -> Image.Image:
    if max(image.size) <= LONGEST_SIDE:
        return image
    return image.resize(
        scale_size(image.size, LONGEST_SIDE), Image.Resampling.BICUBIC, reducing_gap=2.0
    )


def scale_size(size: tuple[int, int], longest: int) -> tuple[int, int]:
    """Scale width and height to this longest side; neither goes below 1 px."""
    scale = longest / max(size)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
