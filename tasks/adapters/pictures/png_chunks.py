"""Dropping what can keep a PNG from being read though all its pixels are there.

Readers refuse a whole PNG for a profile or text that decompresses to more than a megabyte, and for
a wrong checksum in a section that they do not need. Such sections are dropped, not the picture.
"""

import struct
import zlib
from collections.abc import Iterator

METADATA_LIMIT = 1_000_000
"""Bytes of decompressed metadata that are kept. Pillow reads 2**20 bytes of one section at most."""

_SIGNATURE_LENGTH = 8
_PICTURE = frozenset({b"tRNS", b"acTL", b"fcTL", b"fdAT", b"gAMA", b"sRGB", b"cHRM", b"sBIT"})
"""Ancillary chunks that decide how the pixels look, or how many frames there are."""


def drop_bad_metadata(body: bytes) -> tuple[bytes, list[str]]:
    """Return the PNG without its damaged or excessive ancillary chunks, and their names.

    The same object comes back if nothing was dropped. Critical chunks are never touched.
    """
    left = METADATA_LIMIT
    dropped: list[str] = []
    bad: list[tuple[int, int]] = []
    for start, end, name in _find_chunks(body):
        if name[0] & 0x20 == 0:  # a capital letter: critical
            continue
        data = body[start + 8 : end - 4]
        if zlib.crc32(data, zlib.crc32(name)) != int.from_bytes(body[end - 4 : end], "big"):
            size = left + 1
        else:
            size = 0 if name in _PICTURE else _measure_metadata(name, data, left)
        if size > left:
            dropped.append(name.decode("latin-1"))
            bad.append((start, end))
        else:
            left -= size
    return (_cut_out(body, bad), dropped) if bad else (body, [])


def drop_all_metadata(body: bytes) -> bytes:
    """Return the PNG without ancillary chunks, but with its transparency if that can be read.

    For a PNG that cannot be read: readers refuse the whole picture for one malformed chunk.
    """
    ancillary = [
        (start, end)
        for start, end, name in _find_chunks(body)
        if name[0] & 0x20 and not (name == b"tRNS" and _is_transparency(body, end - start - 12))
    ]
    return _cut_out(body, ancillary)


def _is_transparency(body: bytes, size: int) -> bool:
    """Whether a tRNS chunk has a possible size (PNG specification, 11.3.2.1)."""
    colour_type = body[25]
    return size == {0: 2, 2: 6}.get(colour_type) or (colour_type == 3 and 0 < size <= 256)


def _cut_out(body: bytes, ranges: list[tuple[int, int]]) -> bytes:
    kept, at = [], 0
    for start, end in ranges:
        kept.append(body[at:start])
        at = end
    return b"".join([*kept, body[at:]])


def _find_chunks(body: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield start, end and name of each chunk (PNG specification, 5.3) up to IEND or the end."""
    at = _SIGNATURE_LENGTH
    while at + 12 <= len(body):
        length, name = struct.unpack_from(">I4s", body, at)
        end = at + 12 + length
        if end > len(body) or name == b"IEND":
            return
        yield at, end, name
        at = end


def _measure_metadata(name: bytes, data: bytes, limit: int) -> int:
    """Return the bytes of a chunk once decompressed, or one more than the limit for more."""
    if len(data) > limit:
        return limit + 1
    packed = _find_compressed(name, data)
    if packed is None:
        return len(data)
    try:
        return len(zlib.decompressobj().decompress(packed, limit + 1))
    except zlib.error:
        return limit + 1


def _find_compressed(name: bytes, data: bytes) -> bytes | None:
    """Return the compressed part of a chunk; None if none of it is compressed."""
    _, _, rest = data.partition(b"\0")
    if name in (b"iCCP", b"zTXt"):  # keyword, 0, method, data
        return rest[1:]
    if name == b"iTXt" and rest[:1] == b"\1":  # keyword, 0, flag, method, language, 0, keyword, 0
        return rest[2:].partition(b"\0")[2].partition(b"\0")[2]
    return None
