"""Recognising a format by its first bytes: a readable picture, another picture, or none."""

import re

from image_tags.tasks.contracts.errors import Rejected
from image_tags.tasks.contracts.reasons import Reason

_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
_DIB_HEADERS = frozenset(
    {12, 16, 40, 52, 56, 64, 108, 124}
)  # sizes that a BMP's second header can have

_CAN_BE_READ = "JPEG, PNG, WebP, GIF, BMP, TIFF and AVIF can be read"

_READABLE = (
    (re.compile(rb"\xff\xd8\xff"), "JPEG"),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "PNG"),
    (re.compile(rb"GIF8[79]a"), "GIF"),
    (re.compile(rb"RIFF.{4}WEBP", re.DOTALL), "WEBP"),
    (re.compile(rb"II[*+]\x00|MM\x00[*+]"), "TIFF"),
)
_OTHER_PICTURES = (
    (re.compile(rb"\xff\x0a|\x00\x00\x00\x0cJXL \r\n\x87\n"), "JPEG XL"),
    (re.compile(rb"\x00\x00\x00\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51"), "JPEG 2000"),
    (re.compile(rb"II\xbc\x01"), "JPEG XR"),
    (re.compile(rb"8BPS"), "Photoshop"),
    (re.compile(rb"\x00\x00[\x01\x02]\x00[^\x00]\x00"), "icon"),
    (re.compile(rb"icns"), "icon"),
    (re.compile(rb"DDS "), "DDS"),
    (re.compile(rb"qoif"), "QOI"),
    (re.compile(rb"\x76\x2f\x31\x01"), "OpenEXR"),
    (re.compile(rb"#\?(RADIANCE|RGBE)"), "Radiance HDR"),
    (re.compile(rb"gimp xcf"), "GIMP"),
    (re.compile(rb"FLIF"), "FLIF"),
    (re.compile(rb"BPG\xfb"), "BPG"),
    (re.compile(rb"AT&TFORM"), "DjVu"),
    (re.compile(rb"%!PS"), "PostScript"),
    (re.compile(rb"SIMPLE  ="), "FITS"),
    (re.compile(rb"P[1-7]\s"), "Netpbm"),
    (re.compile(rb"\xd7\xcd\xc6\x9a"), "Windows metafile"),
    (
        re.compile(
            rb"\s*(<\?xml[^>]*>|<!--.*?-->|<!DOCTYPE svg[^>]*>|\s)*<(\w+:)?svg[\s>]", re.DOTALL
        ),
        "SVG",
    ),
)
_NO_PICTURES = (
    (re.compile(rb"\s*<"), "a web page"),
    (re.compile(rb"%PDF-"), "a PDF document"),
    (re.compile(rb".{4}ftyp|\x1aE\xdf\xa3|RIFF.{4}AVI |FLV", re.DOTALL), "a video"),
    (re.compile(rb"PK\x03\x04|\x1f\x8b|Rar!|7z\xbc\xaf"), "an archive"),
    (re.compile(rb"\s*[\[{]"), "JSON or text"),
    (re.compile(rb"[\t\r\n\x20-\x7e]{16}"), "text"),
)


def recognise_format(body: bytes) -> str:
    """Return Pillow's name of the format.

    Raises:
        Rejected: `not_an_image` or `unsupported_format`, if it cannot be read.
    """
    if not body:
        raise Rejected(Reason.NOT_AN_IMAGE, "the response is empty")
    head = body[:4096].removeprefix(b"\xef\xbb\xbf")
    for magic, name in _READABLE:
        if magic.match(head):
            return name
    brands = _read_brands(head)
    if brands & {b"avif", b"avis"}:
        return "AVIF"
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _DIB_HEADERS:
        return "BMP"
    if brands & _HEIF_BRANDS:
        raise Rejected(Reason.UNSUPPORTED_FORMAT, f"a HEIF picture; {_CAN_BE_READ}")
    for magic, name in _OTHER_PICTURES:
        if magic.match(head):
            detail = f"a picture in the format {name}; {_CAN_BE_READ}"
            raise Rejected(Reason.UNSUPPORTED_FORMAT, detail)
    for magic, name in _NO_PICTURES:
        if magic.match(head):
            raise Rejected(Reason.NOT_AN_IMAGE, f"the response is {name}")
    raise Rejected(Reason.NOT_AN_IMAGE, "the response is in no known picture format")


def _read_brands(head: bytes) -> set[bytes]:
    """The brands in the first box of an ISO media file."""
    if head[4:8] != b"ftyp":
        return set()
    end = min(int.from_bytes(head[:4], "big"), len(head))
    return {head[at : at + 4] for at in (8, *range(16, end, 4))}
