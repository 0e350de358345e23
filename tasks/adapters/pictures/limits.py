"""What decoding a picture may cost, checked from its headers before any pixel is decoded."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

from PIL import ImageFile

from image_tags.tasks.contracts.errors import Rejected
from image_tags.tasks.contracts.reasons import Reason
from image_tags.tasks.contracts.settings import FetchSettings

MIN_SIDE = 80
"""px. Amazon Rekognition Developer Guide, "Guidelines and quotas": at least 80 for both sides."""

MAX_SCANS = 25
"""Passes over the largest allowed picture that a progressive JPEG may ask of its decoder.

Encoders write about ten.
"""

MAX_BLOCKS = 1_000_000
"""Blocks of a GIF that are counted; encoders fill each with 255 bytes, so these are 200 MB."""

MAX_READS = 1_000_000
"""Reads that a picture may take: about three per segment, chunk or block.

Encoders write some thousands of these.
"""

SHORTEST_SCAN = 10
"""Bytes of a JPEG's scan with nothing in it (ITU-T T.81, B.2.3)."""

HARMLESS = 100_000
"""Bytes in which no repetition costs the decoder more than a fraction of a second."""

_SCAN = b"\xff\xda"

_ONCE = {"JPEG": (b"Exif\0\0", 100)}
"""What a format has once, and how often it is read at most: an Exif segment copies earlier ones."""


class Measured(BytesIO):
    """A picture's bytes, readable at most MAX_READS times: Pillow reads headers without end."""

    def __init__(self, body: bytes) -> None:
        super().__init__(body)
        self._left = MAX_READS

    def read(self, size: int | None = -1, /) -> bytes:
        """Read the next bytes; Rejected (`too_large`) after too many reads."""
        self._left -= 1
        if self._left < 0:
            raise Rejected(
                Reason.TOO_LARGE, "the picture has far more pieces than any program writes"
            )
        return super().read(size)


def check_repeats(kind: str, body: bytes) -> None:
    """Raise Rejected (`decompression_bomb`) if an expensive section is repeated too often."""
    if kind not in _ONCE or len(body) <= HARMLESS:
        return
    mark, most = _ONCE[kind]
    times = body.count(mark)
    if times > most:
        raise Rejected(
            Reason.DECOMPRESSION_BOMB,
            f"a {kind} of {times:,} {mark[:4].decode()} sections; it should have one",
        )


def check_size(size: tuple[int, int], settings: FetchSettings) -> None:
    """Check width and height in px.

    Raises:
        Rejected: `decompression_bomb`, `too_large` or `too_small`.
    """
    width, height = size
    if width * height > settings.max_pixels:
        # As Pillow does: more than twice the limit counts as malicious.
        bomb = width * height > 2 * settings.max_pixels
        reason = Reason.DECOMPRESSION_BOMB if bomb else Reason.TOO_LARGE
        raise Rejected(
            reason, f"{width} x {height} px, more than {settings.max_pixels:,} pixels (max_pixels)"
        )
    if min(size) < MIN_SIDE:
        raise Rejected(
            Reason.TOO_SMALL, f"{width} x {height} px; the analyzer needs {MIN_SIDE} px per side"
        )


def check_frames(image: ImageFile.ImageFile, body: bytes, settings: FetchSettings) -> None:
    """Check the frames of an animation and the scans of a JPEG.

    Raises:
        Rejected: `too_large` (frames) or `decompression_bomb` (scans).
    """
    allowed = MAX_SCANS * settings.max_pixels / (image.width * image.height)
    if (
        image.format == "JPEG" and len(body) / SHORTEST_SCAN > allowed
    ):  # else there is no room for too many
        scans = body.count(_SCAN)
        if scans > allowed:
            raise Rejected(
                Reason.DECOMPRESSION_BOMB,
                f"a JPEG of {scans:,} scans over {image.width} x {image.height} px",
            )
    if count_frames(image, body, settings.max_frames) > settings.max_frames:
        raise Rejected(Reason.TOO_LARGE, f"more than {settings.max_frames:,} frames (max_frames)")


def count_frames(image: ImageFile.ImageFile, body: bytes, limit: int) -> int:
    """Count the frames of an animation up to one more than the limit; TIFF pages do not count."""
    if image.format == "GIF":
        return _count_gif_frames(body, limit)
    return getattr(image, "n_frames", 1) if image.format in ("PNG", "WEBP", "AVIF") else 1


def _count_gif_frames(body: bytes, limit: int) -> int:
    """Count a GIF's frames by its blocks (GIF89a specification); Pillow would decode them all."""
    at = 13 + _size_colour_table(body, 10)
    frames = blocks = 0
    while frames <= limit and at < len(body) and body[at] in (0x21, 0x2C):
        if body[at] == 0x2C:
            frames += 1
            at += 11 + _size_colour_table(body, at + 9)
        else:
            at += 2
        while at < len(body) and body[at]:
            at += 1 + body[at]
            blocks += 1
        at += 1
        if blocks > MAX_BLOCKS:
            return limit + 1
    return frames


def _size_colour_table(body: bytes, flags_at: int) -> int:
    """Return the bytes of the colour table that the flags at this place announce."""
    flags = body[flags_at] if flags_at < len(body) else 0
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


class Decoding:
    """Limits the pixels decoded at the same time to those of one picture, for all threads."""

    def __init__(self) -> None:
        self._pixels = 0
        self._changed = threading.Condition()

    @contextmanager
    def reserve_pixels(self, pixels: int, limit: int) -> Iterator[None]:
        """Wait until there is room for these pixels, and keep it for the block."""
        with self._changed:
            self._changed.wait_for(lambda: self._pixels == 0 or self._pixels + pixels <= limit)
            self._pixels += pixels
        try:
            yield
        finally:
            with self._changed:
                self._pixels -= pixels
                self._changed.notify_all()
