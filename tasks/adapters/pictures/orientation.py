"""EXIF orientation, read without trusting the rest of the EXIF block.

Pillow's own `exif_transpose` rewrites the whole block and fails on whatever is broken in it: text
where a number belongs, a fraction of -1/0. Only the one tag matters here.
"""

import struct

from PIL import Image

ORIENTATION = 0x0112
"""The tag's number (Exif 2.3, table 3)."""

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What undoes each orientation."""

_NUMBERS = {1: "B", 3: "H", 4: "I"}
"""TIFF's types of whole numbers: BYTE, SHORT, LONG."""


def read_orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1-8; 1 (upright) if there is none that can be read."""
    block = image.info.get("exif")
    if isinstance(block, bytes):
        found = _find_orientation(block.removeprefix(b"Exif\0\0"))
    else:  # a TIFF is an EXIF block itself
        found = getattr(image, "tag_v2", {}).get(ORIENTATION)
    return found if isinstance(found, int) and found in _TURNS else 1


def turn_upright(image: Image.Image) -> Image.Image:
    """Return the picture as viewers display it; the same object if it is upright already."""
    turn = _TURNS.get(read_orientation(image))
    return image if turn is None else image.transpose(turn)


def displayed_size(image: Image.Image) -> tuple[int, int]:
    """Return width and height in px as viewers display the picture."""
    width, height = image.size
    return (height, width) if read_orientation(image) >= 5 else (width, height)


def _find_orientation(block: bytes) -> int | None:
    """Return the tag's value in a TIFF structure (TIFF 6.0, section 2); None if unreadable."""
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None:
        return None
    try:
        (directory,) = struct.unpack_from(f"{order}I", block, 4)
        (count,) = struct.unpack_from(f"{order}H", block, directory)
        for at in range(directory + 2, directory + 2 + 12 * count, 12):
            tag, kind = struct.unpack_from(f"{order}HH", block, at)
            if tag == ORIENTATION:
                text = block[at + 8 : at + 9]
                if kind == 2 and text.isdigit():  # written as text
                    return int(text)
                value: int
                (value,) = struct.unpack_from(f"{order}{_NUMBERS[kind]}", block, at + 8)
                return value
    except (struct.error, KeyError):
        return None
    return None
