"""Making a picture fit a byte limit, losing as little as needed."""

import io

from PIL import Image, ImageOps

QUALITIES = range(75, 96)
"""Useful JPEG qualities: above 95 a file only grows (Pillow's manual); below 75 fewer pixels keep
more detail."""

UNREADABLE = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)
"""What Pillow raises for a picture that it cannot read."""

STEP = 0.85
"""How much smaller each side becomes when even the lowest quality is too large."""


def shrink_picture(data: bytes, limit: int) -> tuple[bytes, str]:
    """Return the picture as a JPEG of at most `limit` bytes, and a remark on what was done.

    The highest quality that fits at full size is used; only if none fits do the sides shrink.
    EXIF orientation is applied to the pixels and transparency is laid on white.
    """
    with Image.open(io.BytesIO(data)) as opened:
        profile = opened.info.get("icc_profile") if opened.mode == "RGB" else None
        full = _lay_on_white(ImageOps.exif_transpose(opened))
    picture, scale = full, 1.0
    while len(_encode_jpeg(picture, QUALITIES[0], profile)) > limit:
        scale *= STEP
        picture = full.resize(
            (max(1, round(full.width * scale)), max(1, round(full.height * scale)))
        )
    low, high = QUALITIES[0], QUALITIES[-1]
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (
            (middle, high)
            if len(_encode_jpeg(picture, middle, profile)) <= limit
            else (low, middle - 1)
        )
    fitting = _encode_jpeg(picture, low, profile)
    scaled = (
        f", scaled from {full.width} x {full.height} to {picture.width} x {picture.height} px"
        if scale < 1
        else ""
    )
    return (
        fitting,
        f"re-encoded from {len(data):,} to {len(fitting):,} bytes: JPEG quality {low}{scaled}",
    )


def _lay_on_white(picture: Image.Image) -> Image.Image:
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    layers = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layers.size, "white"), layers).convert("RGB")


def _encode_jpeg(picture: Image.Image, quality: int, profile: bytes | None) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality, subsampling=0, icc_profile=profile)
    return buffer.getvalue()
