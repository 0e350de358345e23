"""Pictures whose pixels are all there, though what is around them is wrong: put right, not refused.

Browsers show such pictures. Pixels are never changed here.
"""

import re

from image_tags.tasks.adapters.pictures.png_chunks import drop_all_metadata

_BEFORE_PICTURE = re.compile(
    rb"[\s\xef\xbb\xbf]{1,64}(?=\xff\xd8\xff|\x89PNG\r\n\x1a\n|GIF8[79]a|RIFF.{4}WEBP)", re.DOTALL
)


def drop_bytes_before(body: bytes) -> bytes:
    """Return the picture without blanks or a byte order mark before it, as scripts leave them."""
    before = _BEFORE_PICTURE.match(body)
    return body[before.end() :] if before else body


def repair_picture(kind: str, body: bytes) -> tuple[bytes, str] | None:
    """Return a PNG or WebP that could not be read in a form that perhaps can, and what was done.

    None if there is nothing to put right.
    """
    if kind == "PNG":
        without = drop_all_metadata(body)
        return None if without == body else (without, "dropped damaged metadata")
    if kind == "WEBP":
        right = _with_right_length(body)
        return None if right == body else (right, "the length in its header was put right")
    return None


def _with_right_length(body: bytes) -> bytes:
    """The WebP with its actual length in its header (RIFF: an even number, without 8 bytes)."""
    padded = body + b"\0" * (len(body) % 2)
    return padded[:4] + (len(padded) - 8).to_bytes(4, "little") + padded[8:]
