"""Synthetic pictures for tests and benchmarks: distinct, quickly made."""

from io import BytesIO

import numpy as np
from PIL import Image


def picture(size: tuple[int, int] = (160, 120), mode: str = "RGB", seed: int = 0) -> Image.Image:
    """A picture with slopes, shapes and some grain; the same for the same seed."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    image = Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)
    grain = random.normal(0, 6, (size[1], size[0], 1))
    return Image.fromarray(np.clip(np.asarray(image) + grain, 0, 255).astype(np.uint8)).convert(
        mode
    )


def encoded(
    file_format: str = "JPEG",
    size: tuple[int, int] = (160, 120),
    mode: str = "RGB",
    seed: int = 0,
    **options: object,
) -> bytes:
    """Its bytes in one of Pillow's formats."""
    out = BytesIO()
    picture(size, mode, seed).save(out, file_format, **options)
    return out.getvalue()


def numbered(jpeg: bytes, number: int) -> bytes:
    """The same JPEG with a number in a comment: other bytes, another hash, at no cost."""
    comment = f"{number:012d}".encode()
    return jpeg[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + jpeg[2:]
