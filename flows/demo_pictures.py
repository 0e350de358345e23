"""The demo's pictures: real ones out of packages, and what a feed makes of them.

Rights: scikit-image's are in the public domain or CC0 (its documentation of `skimage.data`; the
motorcycle is from the Middlebury stereo data of 2014, released as CC0), matplotlib's portrait of
Grace Hopper is a work of the US Navy. DejaVu Sans, which the caption is set in, is free to use.
"""

import functools
import io
from collections.abc import Callable
from importlib.resources import files

from PIL import Image, ImageDraw, ImageFont


def make_enrolled_photo() -> bytes:
    """Make another rendition of the portrait in the feed: cropped, smaller, compressed again."""
    portrait = _open_portrait()
    width, height = portrait.size
    crop = portrait.crop((width // 10, 0, width, height * 9 // 10))
    return _encode_picture(crop.resize((369, 432)), "JPEG")


def _read_packaged(package: str, *path: str) -> bytes:
    return files(package).joinpath(*path).read_bytes()


def _read_skimage(name: str) -> bytes:
    return _read_packaged("skimage", "data", name)


def _read_portrait() -> bytes:
    return _read_packaged("matplotlib", "mpl-data", "sample_data", "grace_hopper.jpg")


def _open_skimage(name: str) -> Image.Image:
    return Image.open(io.BytesIO(_read_skimage(name))).convert("RGB")


def _open_portrait() -> Image.Image:
    return Image.open(io.BytesIO(_read_portrait())).convert("RGB")


def _encode_picture(picture: Image.Image, form: str) -> bytes:
    out = io.BytesIO()
    picture.save(out, form)
    return out.getvalue()


def _turn_page() -> bytes:
    return _encode_picture(_open_skimage("page.png").rotate(90, expand=True), "PNG")


def _convert_cat() -> bytes:
    return _encode_picture(_open_skimage("chelsea.png"), "WEBP")


def _shrink_coffee() -> bytes:
    return _encode_picture(_open_skimage("coffee.png").resize((60, 40)), "PNG")


def _tilt_astronaut() -> bytes:
    """Turn the astronaut by 30 degrees, as in a selfie."""
    turned = _open_skimage("astronaut.png").rotate(30, Image.Resampling.BICUBIC)
    return _encode_picture(turned.crop((94, 60, 418, 384)).resize((648, 648)), "JPEG")


def _assemble_group() -> bytes:
    """Hang three portraits and a snapshot on one wall."""
    wall = Image.new("RGB", (1000, 620), (222, 216, 205))
    astronaut = _open_skimage("astronaut.png").crop((80, 0, 400, 400))
    photographer = _open_skimage("camera.png").crop((120, 60, 400, 410))
    frames = (_open_portrait(), astronaut, photographer)
    for number, picture in enumerate(frames):
        wall.paste(picture.resize((280, 350)), (40 + 320 * number, 60))
    mirrored = astronaut.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    wall.paste(mirrored.resize((120, 150)), (440, 440))
    return _encode_picture(wall, "JPEG")


def _caption_cat() -> bytes:
    """Set a line over and a line under the cat, white with a black edge."""
    meme = _open_skimage("chelsea.png").resize((902, 600), Image.Resampling.BICUBIC)
    font_file = _read_packaged("matplotlib", "mpl-data", "fonts", "ttf", "DejaVuSans-Bold.ttf")
    font = ImageFont.truetype(io.BytesIO(font_file), 64)
    draw = ImageDraw.Draw(meme)
    for line, place, anchor in (
        ("ONE DOES NOT SIMPLY", (451, 16), "ma"),
        ("CLOSE THE LAPTOP", (451, 584), "md"),
    ):
        draw.text(place, line, "white", font, anchor, stroke_width=4, stroke_fill="black")
    return _encode_picture(meme, "JPEG")


PICTURES: dict[str, tuple[str, Callable[[], bytes]]] = {
    "/cat.png": ("image/png", functools.partial(_read_skimage, "chelsea.png")),
    "/cat-again.png": ("image/png", functools.partial(_read_skimage, "chelsea.png")),
    "/cat.webp": ("image/webp", _convert_cat),
    "/coffee.png": ("image/png", functools.partial(_read_skimage, "coffee.png")),
    "/rocket.jpg": ("image/jpeg", functools.partial(_read_skimage, "rocket.jpg")),
    "/stars.jpg": ("image/jpeg", functools.partial(_read_skimage, "hubble_deep_field.jpg")),
    "/retina.jpg": ("image/jpeg", functools.partial(_read_skimage, "retina.jpg")),
    "/photographer.png": ("image/png", functools.partial(_read_skimage, "camera.png")),
    "/astronaut.png": ("image/png", functools.partial(_read_skimage, "astronaut.png")),
    "/page.png": ("image/png", functools.partial(_read_skimage, "page.png")),
    "/page-on-its-side.png": ("image/png", _turn_page),
    "/admiral.jpg": ("image/jpeg", _read_portrait),
    "/tiny.png": ("image/png", _shrink_coffee),
    "/wall.jpg": ("image/jpeg", _assemble_group),
    "/selfie.jpg": ("image/jpeg", _tilt_astronaut),
    "/meme.jpg": ("image/jpeg", _caption_cat),
    "/motorcycle.png": ("image/png", functools.partial(_read_skimage, "motorcycle_left.png")),
    "/moved.jpg": (
        "text/html",
        lambda: b"<!doctype html><title>Moved</title><p>This picture has moved.",
    ),
}
"""What the server has, by path; anything else is 404."""
