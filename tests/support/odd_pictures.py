"""Pictures with something wrong around their pixels, as the web has them."""

import struct
import zlib

import numpy as np


def _exif(*entries: tuple[int, int, int, bytes], data: bytes = b"") -> bytes:
    """A TIFF structure of (tag, type, count, value or offset of 4 bytes) and the data after it."""
    packed = b"".join(
        struct.pack("<HHI", tag, kind, count) + value for tag, kind, count, value in entries
    )
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + packed + b"\0\0\0\0" + data


ORIENTATION = (0x0112, 3, 1, b"\x06\0\0\0")

BROKEN_EXIF: dict[str, tuple[bytes, int]] = {
    "text where a number belongs": (_exif(ORIENTATION, (0x011A, 2, 4, b"abc\0")), 6),
    "a fraction of -1/0": (
        _exif(ORIENTATION, (0x011A, 10, 1, struct.pack("<I", 38)), data=struct.pack("<ii", -1, 0)),
        6,
    ),
    "orientation as text": (_exif((0x0112, 2, 2, b"6\0\0\0")), 6),
    "orientation 0": (_exif((0x0112, 3, 1, b"\0\0\0\0")), 1),
    "orientation 99": (_exif((0x0112, 3, 1, b"\x63\0\0\0")), 1),
    "an offset beyond the end": (_exif(ORIENTATION, (0x010F, 2, 999, b"\xff\xff\0\0")), 6),
    "cut off": (b"II*\0\x08\0\0\0\xff\xff", 1),
    "nonsense": (b"no TIFF structure at all", 1),
}
"""EXIF blocks, and the orientation that can be read."""


def png_chunk(name: bytes, data: bytes) -> bytes:
    """A PNG chunk with its checksum."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def break_checksum(chunk: bytes) -> bytes:
    """The chunk with a wrong checksum."""
    return chunk[:-1] + bytes([chunk[-1] ^ 1])


def add_chunk(png: bytes, chunk: bytes) -> bytes:
    """The PNG with a chunk after its header."""
    return png[:33] + chunk + png[33:]


def add_exif(body: bytes, block: bytes) -> bytes:
    """The JPEG, PNG or WebP with an EXIF block."""
    if body[:2] == b"\xff\xd8":
        segment = b"Exif\0\0" + block
        return body[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + body[2:]
    if body[:4] == b"\x89PNG":
        return add_chunk(body, png_chunk(b"eXIf", block))
    return _add_webp_exif(body, block)


def _add_webp_exif(body: bytes, block: bytes) -> bytes:
    """The simple WebP as an extended one (WebP container specification)."""
    size = struct.pack("<I", 160 - 1)[:3] + struct.pack("<I", 120 - 1)[:3]
    header = b"VP8X" + struct.pack("<I", 10) + b"\x08\0\0\0" + size
    exif = b"EXIF" + struct.pack("<I", len(block)) + block + b"\0" * (len(block) % 2)
    chunks = b"WEBP" + header + body[12:] + exif
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks


def sixteen_bit_png() -> bytes:
    """A grey PNG of 160 x 120 px with 16 bits per channel: a slope from black to white."""
    row = np.linspace(0, 65535, 160).astype(">u2")
    header = struct.pack(">IIBBBBB", 160, 120, 16, 0, 0, 0, 0)
    pixels = zlib.compress((b"\0" + row.tobytes()) * 120)
    chunks = png_chunk(b"IHDR", header) + png_chunk(b"IDAT", pixels) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks
