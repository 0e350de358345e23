"""Re-encoding to a byte limit."""

import io
import random

import pytest
from PIL import Image, ImageChops, ImageStat

from image_tags.tasks.adapters.pictures.shrink import QUALITIES, shrink_picture


def noisy(mode: str = "RGB", size: tuple[int, int] = (300, 200)) -> Image.Image:
    chance = random.Random(1)
    noise = Image.frombytes("L", size, chance.randbytes(size[0] * size[1]))
    return Image.merge("RGB", [noise, noise.rotate(180), noise]).convert(mode)


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def opened(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


@pytest.mark.parametrize("limit", [150_000, 100_000, 80_000, 20_000, 3_000])
def test_the_result_fits_and_the_next_better_one_would_not(limit: int) -> None:
    data, remark = shrink_picture(encoded(noisy(), "PNG"), limit)
    picture = opened(data)
    assert picture.format == "JPEG"
    assert len(data) <= limit
    quality = int(remark.rsplit("JPEG quality ", 1)[1].split(",")[0])
    scaled = "scaled from 300 x 200 to " in remark
    assert scaled == (picture.size != (300, 200))
    if not scaled and quality < QUALITIES[-1]:
        assert len(encoded(noisy(), "JPEG", quality=quality + 1, subsampling=0)) > limit
    if scaled:
        assert len(encoded(noisy(), "JPEG", quality=QUALITIES[0], subsampling=0)) > limit


def test_what_fits_at_the_best_quality_is_not_made_worse() -> None:
    original = Image.linear_gradient("L").convert("RGB")
    data, remark = shrink_picture(encoded(original, "PNG"), 10**6)
    assert f"JPEG quality {QUALITIES[-1]}" in remark
    assert max(ImageStat.Stat(ImageChops.difference(opened(data), original)).mean) < 1


def test_orientation_goes_into_the_pixels() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data, _ = shrink_picture(encoded(noisy(), "JPEG", exif=exif, quality=95), 10**6)
    assert opened(data).size == (200, 300)
    assert 0x0112 not in opened(data).getexif()


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "L", "CMYK", "1"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    kind = "TIFF" if mode == "CMYK" else "PNG"
    data, _ = shrink_picture(encoded(noisy("RGB").convert(mode), kind), 10**6)
    assert opened(data).mode == "RGB"


def test_transparency_is_laid_on_white() -> None:
    data, _ = shrink_picture(encoded(Image.new("RGBA", (100, 100), (0, 0, 0, 0)), "PNG"), 10**6)
    assert opened(data).getpixel((50, 50)) == (255, 255, 255)


@pytest.mark.parametrize("size", [(400, 300), (300, 400), (900, 90)])
def test_long_sides_are_reduced_first(size):
    data, remark = shrink_picture(encoded(noisy(size=size), "PNG"), 10**6, max_side=200)
    assert max(opened(data).size) == 200
    assert f"scaled from {size[0]} x {size[1]}" in remark
