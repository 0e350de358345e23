"""Telling a JPEG that only lacks its end marker from one that is cut off.

Decoders refuse it, or fill what is missing with grey and do not report that. So the picture is
decoded twice, once with the end marker added and once with arbitrary data before that marker: a
decoder that still needs data uses the arbitrary data and shows something else, one that has all
its pixels skips it. Where it waits for a restart marker it skips it too, so that is put before.
"""

import hashlib
import re
from io import BytesIO

from PIL import JpegImagePlugin

END = b"\xff\xd9"
_FILLERS = (b"", b"\x55" * 4096, b"\xaa\x13" * 2048)
_COEFFICIENTS = 64
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # not stuffing, restart or fill bytes
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ROWS = 256
_SCAN, _RESTARTS = b"\xff\xda", b"\xff\xdd"
"""The markers before a scan, and before the number of blocks between restart markers."""
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")


def add_missing_end(body: bytes) -> bytes | None:
    """Return the JPEG with an end marker if all its pixels are there; None if not.

    May raise whatever Pillow raises on damaged bytes.
    """
    bare = body.removesuffix(b"\xff")
    if bare.endswith(END) or not _has_every_scan(bare):
        return None
    if len({_hash_pixels(bare + filler + END) for filler in _choose_fillers(bare)}) > 1:
        return None
    return bare + END


def _choose_fillers(body: bytes) -> list[bytes]:
    """Arbitrary data, also behind the next restart marker if the picture has restart markers."""
    header, _, scan = body.rpartition(_SCAN)
    if _RESTARTS not in header:
        return list(_FILLERS)
    # They are numbered from 0 to 7, over and over (ITU-T T.81, E.1.4).
    marker = bytes([0xFF, 0xD0 + len(_RESTART.findall(scan)) % 8])
    return [*_FILLERS, *(marker + filler for filler in _FILLERS if filler)]


def _hash_pixels(body: bytes) -> str:
    digest = hashlib.sha256()
    with JpegImagePlugin.JpegImageFile(BytesIO(body)) as image:
        image.load()
        for top in range(0, image.height, _ROWS):
            strip = image.crop((0, top, image.width, min(top + _ROWS, image.height)))
            digest.update(strip.tobytes())
    return digest.hexdigest()


def _has_every_scan(body: bytes) -> bool:
    """Whether the scans cover every coefficient of every component in full precision.

    ITU-T T.81, B.2.2 and B.2.3. A progressive JPEG may lack whole scans at its end.
    """
    missing: dict[int, set[int]] = {}
    at = 2
    while found := _MARKER.search(body, at):
        at, marker = found.start(), body[found.start() + 1]
        length = int.from_bytes(body[at + 2 : at + 4], "big")
        segment = body[at + 4 : at + 2 + length]
        if marker in _FRAMES and len(segment) >= 6:
            missing = {segment[6 + 3 * n]: set(range(_COEFFICIENTS)) for n in range(segment[5])}
        elif marker == 0xDA and segment:
            count = segment[0]
            first, last, precision = segment[1 + 2 * count : 4 + 2 * count]
            if precision & 0x0F == 0:
                for component in segment[1 : 1 + 2 * count : 2]:
                    missing[component] -= set(range(first, last + 1))
        at += 2 + length
    return bool(missing) and not any(missing.values())
