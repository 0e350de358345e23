"""Any valid picture becomes upright RGB pixels on white, and no model falls over it."""

import io

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageOps

from image_tags.flows import demo_pictures
from image_tags.tasks.adapters.analyzers.local.analyzer import LocalAnalyzer
from image_tags.tasks.adapters.analyzers.local.pixels import LONGEST_SIDE, read_pixels, scale_size
from image_tags.tasks.contracts.errors import Rejected
from tests.support.pictures import ASTRONAUT, HOPPER, SKIMAGE
from tests.support.shapes import assert_inside, assert_response


def saved(image, kind="PNG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def cat(mode="RGB", size=(320, 240)):
    with Image.open(SKIMAGE / "chelsea.png") as image:
        return image.convert("RGB").resize(size).convert(mode)


def deep(values):
    return Image.fromarray(np.asarray(values, np.uint16))


def see_through():
    image = cat("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    return image


def cut_faces():
    """A face cut off by the left edge and one cut off by the lower right corner."""
    image = Image.new("RGB", (500, 400), "white")
    with Image.open(ASTRONAUT) as astronaut:
        face = astronaut.convert("RGB").crop((150, 20, 310, 200))
    image.paste(face, (-45, 10))
    image.paste(face, (370, 260))
    return image


ODD = {
    "grey": saved(cat("L")),
    "grey with alpha": saved(cat("LA")),
    "palette": saved(cat("P")),
    "palette with a see-through colour": saved(cat("P"), transparency=3),
    "grey with a see-through level": saved(cat("L"), transparency=100),
    "see-through": saved(see_through()),
    "black and white": saved(cat("1")),
    "16 bit": saved(deep(np.asarray(cat("L")).astype(int) * 257)),
    "CMYK JPEG": saved(cat("CMYK"), "JPEG"),
    "grey JPEG": saved(cat("L"), "JPEG"),
    "progressive JPEG": saved(cat(), "JPEG", progressive=True),
    "80 x 80": saved(cat(size=(80, 80))),
    "one pixel": saved(cat(size=(1, 1))),
    "very wide": saved(cat(size=(4000, 90))),
    "very tall": saved(cat(size=(90, 4000))),
    "12,000 px high": saved(cat(size=(400, 12_000)), "JPEG"),
    "two faces cut off by the edges": saved(cut_faces(), "JPEG"),
    "a line": saved(cat(size=(3000, 1))),
    "large": saved(cat(size=(3600, 2400)), "JPEG"),
    "all black": saved(Image.new("RGB", (200, 100))),
    "all white": saved(Image.new("L", (100, 200), 255)),
}


DEMO = {
    path: make for path, (kind, make) in demo_pictures.PICTURES.items() if kind.startswith("image/")
}
ANYTHING = {"label_confidence": 0.1, "moderation_confidence": 0.1, "word_confidence": 0.0}


@pytest.mark.parametrize("name", [*ODD, *DEMO])
def test_every_operation_answers_for_every_kind_of_picture(ask, name):
    data = ODD[name] if name in ODD else DEMO[name]()
    for operation in LocalAnalyzer.operations:
        response = ask(operation, data, **ANYTHING)
        assert_response(operation, response)
        assert_inside(response)


@pytest.mark.parametrize(
    "wrong",
    [
        {"BoundingBox": {"Left": -0.1, "Top": 0.0, "Width": 0.5, "Height": 0.5}},
        {"BoundingBox": {"Left": 0.6, "Top": 0.0, "Width": 0.5, "Height": 0.5}},
        {"BoundingBox": {"Left": 0.0, "Top": 0.0, "Width": 0.5, "Height": -0.5}},
        {"Polygon": [{"X": 0.5, "Y": 1.5}]},
    ],
)
def test_a_place_outside_the_picture_would_be_seen(wrong):
    with pytest.raises(AssertionError, match="outside"):
        assert_inside({"Labels": [{"Instances": [wrong]}]})


@pytest.mark.parametrize(
    "name", ["grey", "palette", "16 bit", "CMYK JPEG", "grey JPEG", "progressive JPEG", "large"]
)
def test_a_cat_stays_a_cat_in_every_mode(ask, name):
    assert "Cat" in {label["Name"] for label in ask("detect_labels", ODD[name])["Labels"]}


MODES = st.sampled_from(["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])


@given(MODES, st.integers(1, 40), st.integers(1, 40), st.randoms(use_true_random=False))
def test_any_png_becomes_pixels_of_its_size(mode, width, height, random):
    noise = np.frombuffer(random.randbytes(width * height * 4), np.uint8).reshape(height, width, 4)
    image = (
        deep(noise[:, :, 0].astype(int) * 257)
        if mode == "I;16"
        else Image.fromarray(noise, "RGBA").convert(mode)
    )
    pixels = read_pixels(saved(image))
    assert pixels.shape == (height, width, 3)
    assert pixels.dtype == np.uint8


def test_see_through_is_laid_on_white():
    clear = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    half = Image.new("RGBA", (4, 4), (0, 0, 0, 128))
    assert (read_pixels(saved(clear)) == 255).all()
    assert (abs(read_pixels(saved(half)).astype(int) - 127) <= 1).all()


def test_sixteen_bits_are_scaled_not_clipped():
    ramp = np.linspace(0, 65535, 256).reshape(1, 256)
    assert (abs(read_pixels(saved(deep(ramp)))[0, :, 0].astype(int) - np.arange(256)) <= 1).all()


def test_a_large_picture_is_scaled_down():
    assert read_pixels(ODD["large"]).shape == (1067, LONGEST_SIDE, 3)


@given(st.integers(1, 100_000), st.integers(1, 100_000), st.integers(1, 2000))
def test_scaling_keeps_the_longest_side_and_loses_no_side(width, height, longest):
    scaled = scale_size((width, height), longest)
    assert max(scaled) == longest
    assert min(scaled) >= 1


def turned(orientation, kind="JPEG"):
    """A picture as a camera held some other way stores it; upright its left half is red and its
    lower left corner green.
    """
    upright = Image.new("RGB", (60, 40), "blue")
    ImageDraw.Draw(upright).rectangle((0, 0, 29, 39), "red")
    ImageDraw.Draw(upright).rectangle((0, 28, 12, 39), "lime")
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = next(image for image in every_way(upright) if matches(image, orientation, upright))
    return saved(stored, kind, exif=exif)


def every_way(image):
    return [image, *(image.transpose(way) for way in Image.Transpose)]


def matches(image, orientation, upright):
    """Pillow's own reading of the orientation, as the other opinion."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = image.copy()
    image.info["exif"] = exif.tobytes()
    back = ImageOps.exif_transpose(image)
    return back.size == upright.size and back.tobytes() == upright.tobytes()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_jpeg_is_turned_as_its_exif_says(orientation):
    pixels = read_pixels(turned(orientation)).astype(int)
    assert pixels.shape == (40, 60, 3)
    red, green, blue = pixels[10, 15], pixels[35, 5], pixels[20, 45]
    assert red.argmax() == 0
    assert green.argmax() == 1
    assert blue.argmax() == 2


def test_a_png_is_left_as_it_is():
    assert read_pixels(turned(6, "PNG")).shape == (60, 40, 3)


def test_boxes_are_those_of_the_upright_picture(ask):
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(HOPPER) as image:
        lying = saved(image.transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif, quality=95)
    upright, turned_upright = (
        ask("detect_faces", source)["FaceDetails"] for source in (HOPPER, lying)
    )
    assert len(upright) == len(turned_upright) == 1
    for side, value in upright[0]["BoundingBox"].items():
        assert turned_upright[0]["BoundingBox"][side] == pytest.approx(value, abs=0.03)


def sound_exif():
    exif = Image.Exif()
    exif[0x0112], exif[0x010E], exif[0x011A] = 6, "a description", 72.0
    return exif.tobytes()


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@given(
    st.lists(
        st.tuples(st.integers(6, len(sound_exif()) - 1), st.integers(0, 255)),
        min_size=1,
        max_size=6,
    )
)
@example([(17, 0)])
def test_broken_exif_does_no_harm(changes):
    exif = bytearray(sound_exif())
    for place, value in changes:
        exif[place] = value
    pixels = read_pixels(saved(Image.new("RGB", (20, 10), "red"), "JPEG", exif=bytes(exif)))
    assert sorted(pixels.shape) == [3, 10, 20]


@pytest.mark.parametrize("data", [b"", b"no picture", ODD["grey"][:200], ODD["large"][:2000]])
def test_what_is_no_picture_is_refused(data):
    with pytest.raises(Rejected):
        read_pixels(data)
