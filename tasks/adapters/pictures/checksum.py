"""A checksum inside a JPEG that was changed on its way to the store.

A picture that is kept as it came is named by the hash of its bytes, and each chunk of a PNG has a
checksum. A converted JPEG has neither: most bytes of it can change and it still decodes. So it
carries the hash of its other bytes in a comment (ITU-T T.81, B.2.4.5), which no decoder minds.
"""

import hashlib

_MARK = b"image-tags sha256="
_LENGTH = (2 + len(_MARK) + 64).to_bytes(2, "big")
_HEAD = b"\xff\xfe" + _LENGTH + _MARK
_APPLICATION = range(0xE0, 0xF0)


def add_checksum(jpeg: bytes) -> bytes:
    """The JPEG with a comment that holds the sha256 of all its bytes."""
    at = _find_place(jpeg)
    return jpeg[:at] + _HEAD + hashlib.sha256(jpeg).hexdigest().encode() + jpeg[at:]


def has_wrong_checksum(jpeg: bytes) -> bool:
    """Whether the JPEG has a checksum that is not that of its other bytes; False if it has none."""
    at = jpeg.find(_HEAD)
    if at < 0:
        return _MARK in jpeg  # the bytes before it were changed
    end = at + len(_HEAD) + 64
    return jpeg[end - 64 : end] != hashlib.sha256(jpeg[:at] + jpeg[end:]).hexdigest().encode()


def _find_place(jpeg: bytes) -> int:
    """After the start and the first segment of an application (JFIF, EXIF), which comes first."""
    if jpeg[2:3] == b"\xff" and len(jpeg) > 6 and jpeg[3] in _APPLICATION:
        return 4 + int.from_bytes(jpeg[4:6], "big")
    return 2
