"""Pictures are judged by their bytes: decoded in full, and converted if the analyzer would not take them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    ImageOps,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from tasks.adapters.picture_kinds import recognise
from tasks.contracts.errors import Rejected
from tasks.contracts.reasons import Reason
from tasks.contracts.settings import FetchSettings

MIN_SIDE = 80
"""px. Amazon Rekognition Developer Guide, "Guidelines and quotas": at least 80 pixels for both height and width."""

MAX_SCANS = 100
"""Passes over a progressive JPEG. Encoders write about ten; each more makes a decoder go over all pixels again."""

JPEG_QUALITY = 95
"""Pillow's manual: above 95 files grow with hardly any gain."""

# The plugin itself, not Image.open: bytes are read as what they begin as, and by nothing else.
_PLUGINS: dict[str, type[ImageFile.ImageFile]] = {
    "JPEG": JpegImagePlugin.JpegImageFile,
    "PNG": PngImagePlugin.PngImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "AVIF": AvifImagePlugin.AvifImageFile,
}
_KEPT = {"JPEG": "jpg", "PNG": "png"}


@dataclass(frozen=True)
class Verified:
    """A picture that decodes.

    Attributes:
        data: the bytes to store.
        extension: `jpg` or `png`.
        format: the format as downloaded, Pillow's name.
        width: px of the stored picture, before EXIF orientation.
        height: px.
        remark: what was converted; None if the bytes are those downloaded.

    """

    data: bytes
    extension: str
    format: str
    width: int
    height: int
    remark: str | None = None


def verify(body: bytes, settings: FetchSettings) -> Verified:
    """Decode the picture in full and say how to store it; Rejected if it will not do."""
    kind = recognise(body)
    with _reading(kind), _PLUGINS[kind](BytesIO(body)) as image:
        _check_size(image.size, settings)
        _check_frames(image, kind, body, settings)
        with _decoding.room_for(image.width * image.height, settings.max_pixels):
            image.load()
            if _is_kept(image, kind, body):
                return Verified(body, _KEPT[kind], kind, image.width, image.height)
            return _converted(image, kind, body)


def _check_size(size: tuple[int, int], settings: FetchSettings) -> None:
    width, height = size
    if width * height > settings.max_pixels:
        # Pillow draws the line between large and malicious at the same place: twice the limit.
        bomb = width * height > 2 * settings.max_pixels
        reason = Reason.DECOMPRESSION_BOMB if bomb else Reason.TOO_LARGE
        raise Rejected(reason, f"{width} x {height} px, more than {settings.max_pixels:,} pixels (max_pixels)")
    if min(size) < MIN_SIDE:
        raise Rejected(Reason.TOO_SMALL, f"{width} x {height} px; the analyzer needs {MIN_SIDE} px a side")


def _check_frames(image: ImageFile.ImageFile, kind: str, body: bytes, settings: FetchSettings) -> None:
    if kind == "JPEG" and body.count(b"\xff\xda") > MAX_SCANS:
        raise Rejected(Reason.DECOMPRESSION_BOMB, f"a JPEG of more than {MAX_SCANS} scans")
    frames = getattr(image, "n_frames", 1) if kind in ("PNG", "WEBP", "AVIF", "GIF") else 1
    if frames > settings.max_frames:
        raise Rejected(Reason.TOO_LARGE, f"{frames:,} frames, more than {settings.max_frames:,} (max_frames)")


def _is_kept(image: Image.Image, kind: str, body: bytes) -> bool:
    if kind == "JPEG":
        return image.mode in ("RGB", "L")
    return kind == "PNG" and body[24] <= 8  # bits a channel, in the first chunk


def _converted(image: Image.Image, kind: str, body: bytes) -> Verified:
    upright = ImageOps.exif_transpose(image)
    plain = _plain(upright)
    lossy = kind in ("JPEG", "AVIF") or (kind == "WEBP" and b"VP8L" not in body[:4096])
    stored = "JPEG" if lossy and plain.mode in ("RGB", "L") else "PNG"
    out = BytesIO()
    if stored == "JPEG":
        plain.save(out, "JPEG", quality=JPEG_QUALITY)
    else:
        plain.save(out, "PNG", compress_level=3)
    what = "a CMYK JPEG" if kind == "JPEG" else "a 16-bit PNG" if kind == "PNG" else kind
    frames = getattr(image, "n_frames", 1)
    first = f", first of {frames} frames" if frames > 1 else ""
    return Verified(out.getvalue(), _KEPT[stored], kind, *plain.size, f"converted from {what} to {stored}{first}")


def _plain(image: Image.Image) -> Image.Image:
    """The same picture as L, RGB or RGBA with 8 bits, without metadata."""
    if image.mode.startswith("I;16"):
        image = image.point(lambda value: value * (1 / 257))
    elif image.mode in ("I", "F"):
        low, high = (float(end) for end in image.getextrema())  # type: ignore[arg-type]  # of one channel
        scale = 255 / ((high - low) or 1)
        image = image.point(lambda value: value * scale - low * scale)
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image.convert("L" if image.mode in ("1", "L", "I", "F") or image.mode.startswith("I;16") else "RGB")


class _Decoding:
    """Lets no more pixels be decoded at the same time than one picture may have, whatever the number of threads."""

    def __init__(self) -> None:
        self._pixels = 0
        self._changed = threading.Condition()

    @contextmanager
    def room_for(self, pixels: int, limit: int) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: self._pixels == 0 or self._pixels + pixels <= limit)
            self._pixels += pixels
        try:
            yield
        finally:
            with self._changed:
                self._pixels -= pixels
                self._changed.notify_all()


_decoding = _Decoding()


@contextmanager
def _reading(kind: str) -> Iterator[None]:
    """Turn whatever Pillow raises on damaged or malicious bytes into Rejected."""
    try:
        yield
    except Rejected:
        raise
    except (Image.DecompressionBombError, MemoryError):
        raise Rejected(Reason.DECOMPRESSION_BOMB, f"the {kind} unpacks to far more than it may") from None
    except Exception as error:  # noqa: BLE001 - on hostile bytes Pillow's plugins raise nearly anything
        raise Rejected(Reason.TRUNCATED, f"the {kind} is cut off or damaged ({error})"[:200]) from None
