"""Making a picture fit a byte limit, losing as little as needed."""

import io

from PIL import Image

from image_tags.tasks.adapters.pictures.orientation import turn_upright

QUALITIES = range(75, 96)
"""Useful JPEG qualities: above 95 a file only grows (Pillow's manual); below 75 fewer pixels keep
more detail."""

UNREADABLE = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)
"""What Pillow raises for a picture that it cannot read."""

STEP = 0.85
"""How much smaller each side becomes when even the lowest quality is too large."""


def shrink_picture(data: bytes, limit: int, max_side: int | None = None) -> tuple[bytes, str]:
    """Return the picture as a JPEG of at most `limit` bytes, and a remark on what was done.

    Sides longer than `max_side` px are reduced to it. The highest quality that then fits is used;
    only if none fits do the sides shrink further.
    EXIF orientation is applied to the pixels and transparency is laid on white.
    """
    with Image.open(io.BytesIO(data)) as opened:
        profile = opened.info.get("icc_profile") if opened.mode == "RGB" else None
        full = _lay_on_white(turn_upright(opened))
    scale = min(1.0, max_side / max(full.size)) if max_side else 1.0
    picture = full if scale == 1 else _scale(full, scale)
    while len(_encode_jpeg(picture, QUALITIES[0], profile)) > limit:
        scale *= STEP
        picture = _scale(full, scale)
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


def _scale(picture: Image.Image, scale: float) -> Image.Image:
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture.resize(size)


def _lay_on_white(picture: Image.Image) -> Image.Image:
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    layers = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layers.size, "white"), layers).convert("RGB")


def _encode_jpeg(picture: Image.Image, quality: int, profile: bytes | None) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality, subsampling=0, icc_profile=profile)
    return buffer.getvalue()
