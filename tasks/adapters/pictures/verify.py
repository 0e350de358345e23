"""Verifying pictures by their bytes: decoded in full, converted if the analyzer needs that."""

import os
import re
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BytesIO

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from image_tags.tasks.adapters.pictures.checksum import add_checksum
from image_tags.tasks.adapters.pictures.jpeg_end import add_missing_end
from image_tags.tasks.adapters.pictures.kinds import recognise_format
from image_tags.tasks.adapters.pictures.limits import (
    Decoding,
    Measured,
    check_frames,
    check_repeats,
    check_size,
    count_frames,
)
from image_tags.tasks.adapters.pictures.orientation import (
    displayed_size,
    read_orientation,
    turn_upright,
)
from image_tags.tasks.adapters.pictures.png_chunks import drop_bad_metadata
from image_tags.tasks.adapters.pictures.repairs import drop_bytes_before, repair_picture
from image_tags.tasks.contracts.display import shown
from image_tags.tasks.contracts.errors import Rejected
from image_tags.tasks.contracts.reasons import Reason
from image_tags.tasks.contracts.settings import FetchSettings

JPEG_QUALITY = 95
"""Pillow's manual: above 95 files grow with hardly any gain."""

# The plugin itself, not Image.open: only the plugin that the first bytes name may read them.
_PLUGINS: dict[str, type[ImageFile.ImageFile]] = {
    "JPEG": JpegImagePlugin.JpegImageFile,
    "PNG": PngImagePlugin.PngImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "AVIF": AvifImagePlugin.AvifImageFile,
}
warnings.filterwarnings(
    "ignore", module=r"PIL\."
)  # its warnings about odd pictures do not help a user
_UNSUPPORTED = re.compile(
    r"cannot handle|[Uu]nsupported|not yet supported|decoder \S+ not available"
)  # as Pillow phrases it
_KEPT = {"JPEG": "jpg", "PNG": "png"}


@dataclass(frozen=True)
class Verified:
    """A picture that could be decoded.

    Attributes:
        data: the bytes to store.
        extension: `jpg` or `png`.
        format: the format as downloaded, Pillow's name.
        width: px of the stored picture as displayed: EXIF orientation is applied.
        height: px.
        remark: what was changed; None if the bytes are those downloaded.

    """

    data: bytes
    extension: str
    format: str
    width: int
    height: int
    remark: str | None = None


# As many at a time as there are cores, whatever the number of fetching threads: more would be no
# faster, and each thread that has decoded keeps some megabytes of the allocator.
_decoders = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="decode")
_decoding = Decoding()


def verify_picture(body: bytes, settings: FetchSettings) -> Verified:
    """Decode the picture in full and return what to store; Rejected if it is unusable.

    A JPEG that is not stored as it came carries a checksum. Thread-safe.
    """
    bare = drop_bytes_before(body)
    verified = _verify_or_repair(recognise_format(bare), bare, settings)
    if bare is not body:
        verified = _add_remark(verified, "dropped bytes before the picture")
    if verified.extension == "jpg" and verified.data is not body:
        return replace(verified, data=add_checksum(verified.data))
    return verified


def _verify_or_repair(kind: str, body: bytes, settings: FetchSettings) -> Verified:
    try:
        return _verify_format(kind, body, settings)
    except Rejected as error:
        if error.reason is not Reason.TRUNCATED:
            raise
        repair = _complete_jpeg(body, settings) if kind == "JPEG" else repair_picture(kind, body)
        if repair is None:
            raise
    repaired, remark = repair
    return _add_remark(_verify_format(kind, repaired, settings), remark)


def _verify_format(kind: str, body: bytes, settings: FetchSettings) -> Verified:
    check_repeats(kind, body)
    body, dropped = drop_bad_metadata(body) if kind == "PNG" else (body, [])
    with _rejecting_damage(kind), _PLUGINS[kind](Measured(body)) as image:
        check_size(image.size, settings)
        check_frames(image, body, settings)
        if kind == "JPEG" and _is_kept(image, kind, body):
            verified = _check_jpeg(image, body, settings)
        else:
            verified = _decoders.submit(_decode_picture, image, kind, body, settings).result()
    if not dropped:
        return verified
    names = ", ".join(dict.fromkeys(shown(name) for name in dropped))
    return _add_remark(verified, f"dropped damaged or excessive metadata ({names})"[:200])


def _complete_jpeg(body: bytes, settings: FetchSettings) -> tuple[bytes, str] | None:
    with _rejecting_damage("JPEG"), JpegImagePlugin.JpegImageFile(Measured(body)) as image:
        check_size(image.size, settings)
        check_frames(image, body, settings)
        with _decoding.reserve_pixels(image.width * image.height, settings.max_pixels):
            completed = _decoders.submit(add_missing_end, body).result()
    return None if completed is None else (completed, "its missing end marker was added")


def _add_remark(verified: Verified, remark: str) -> Verified:
    joined = f"{verified.remark}; {remark}" if verified.remark else remark
    return replace(verified, remark=joined)


def _check_jpeg(image: ImageFile.ImageFile, body: bytes, settings: FetchSettings) -> Verified:
    """Check a JPEG to be kept: decode every coefficient, but at an eighth of its width and height.

    Damage shows all the same, in half the time and a sixty-fourth of the memory.
    """
    width, height = image.size
    shown_size = displayed_size(image)  # before `draft` changes the size
    with _decoding.reserve_pixels(width * height, settings.max_pixels):
        image.draft(None, (1, 1))  # keeps the mode
        image.load()
    return Verified(body, _KEPT["JPEG"], "JPEG", *shown_size)


def _decode_picture(
    image: ImageFile.ImageFile, kind: str, body: bytes, settings: FetchSettings
) -> Verified:
    with _decoding.reserve_pixels(image.width * image.height, settings.max_pixels):
        image.load()
        if _is_kept(image, kind, body):
            return Verified(body, _KEPT[kind], kind, *displayed_size(image))
        return _convert_picture(image, kind, body, count_frames(image, body, settings.max_frames))


def _is_kept(image: Image.Image, kind: str, body: bytes) -> bool:
    if kind == "JPEG":
        return image.mode in ("RGB", "L")
    # body[24]: bits per channel, in the first chunk. Few readers turn a PNG as its EXIF says, so
    # one that needs it is stored upright.
    return kind == "PNG" and body[24] <= 8 and read_orientation(image) == 1


def _convert_picture(image: Image.Image, kind: str, body: bytes, frames: int) -> Verified:
    plain = _make_plain(turn_upright(image))
    lossy = kind in ("JPEG", "AVIF") or (kind == "WEBP" and b"VP8L" not in body[:4096])
    stored = "JPEG" if lossy and plain.mode in ("RGB", "L") else "PNG"
    out = BytesIO()
    if stored == "JPEG":
        plain.save(out, "JPEG", quality=JPEG_QUALITY, icc_profile=None)
    else:
        plain.save(
            out, "PNG", compress_level=3, icc_profile=None
        )  # 3 takes half the time of 6, for 8 % more bytes
    what = _name_original(kind, body)
    first = f", first of {frames:,} frames" if frames > 1 else ""
    return Verified(
        out.getvalue(),
        _KEPT[stored],
        kind,
        *plain.size,
        f"converted from {what} to {stored}{first}",
    )


def _name_original(kind: str, body: bytes) -> str:
    """Name what was converted, and why if the format alone does not explain it."""
    if kind == "JPEG":
        return "a CMYK JPEG"
    if kind == "PNG":
        return "a 16-bit PNG" if body[24] > 8 else "a PNG with an EXIF orientation"
    return kind


def _make_plain(image: Image.Image) -> Image.Image:
    """Return the picture as L, RGB or RGBA with 8 bits per channel."""
    if image.mode.startswith("I;16"):
        image = image.point(lambda value: value * (1 / 257))
    elif image.mode in ("I", "F"):
        low, high = (float(end) for end in image.getextrema())  # type: ignore[arg-type]  # it has one channel
        scale = 255 / ((high - low) or 1)
        image = image.point(lambda value: value * scale - low * scale)
    grey = image.mode in ("1", "L", "I", "F") or image.mode.startswith("I;16")
    mode = "RGBA" if image.has_transparency_data else "L" if grey else "RGB"
    return image if image.mode == mode else image.convert(mode)


@contextmanager
def _rejecting_damage(kind: str) -> Iterator[None]:
    """Turn whatever Pillow raises on damaged or malicious bytes into Rejected."""
    try:
        yield
    except Rejected:
        raise
    except Exception as error:  # noqa: BLE001 - on hostile bytes Pillow's plugins raise nearly anything
        if isinstance(error, Image.DecompressionBombError | MemoryError) or "MAX_TEXT" in str(
            error
        ):
            raise Rejected(
                Reason.DECOMPRESSION_BOMB, f"the {kind} decompresses to far more than allowed"
            ) from None
        if _UNSUPPORTED.search(str(error)):
            raise Rejected(
                Reason.UNSUPPORTED_FORMAT, f"a {kind} that cannot be read here ({error})"[:200]
            ) from None
        raise Rejected(
            Reason.TRUNCATED, f"the {kind} is cut off or damaged ({error})"[:200]
        ) from None
