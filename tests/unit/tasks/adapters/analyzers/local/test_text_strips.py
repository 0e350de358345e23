"""The shorter way to a line's strip ends where RapidOCR's own does."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from rapidocr.ch_ppocr_det.utils import DetPreProcess
from rapidocr.main import RapidOCRError
from rapidocr.utils.process_img import get_rotate_crop_image

from image_tags.tasks.adapters.analyzers.local.text import load_reader
from image_tags.tasks.adapters.analyzers.local.text_strips import cut_strip, scale_values
from tests.support.pictures import HOPPER, SKIMAGE


def picture(file, angle=0, size=None):
    with Image.open(file) as image:
        turned = image.convert("RGB").rotate(angle, Image.Resampling.BICUBIC, expand=True)
        return np.asarray(turned.resize(size) if size else turned)


PICTURES = {
    "page": picture(SKIMAGE / "page.png"),
    "tilted page": picture(SKIMAGE / "page.png", 10),
    "page on its side": picture(SKIMAGE / "page.png", 90),
    "large page": picture(SKIMAGE / "page.png", size=(2400, 1200)),
    "strip, which is padded": picture(SKIMAGE / "page.png")[0:40],
    "name plate": picture(HOPPER),
    "nothing written": picture(SKIMAGE / "moon.png"),
}


def find_by_rapidocr(engine, pixels):
    image, record = engine.preprocess_img(np.ascontiguousarray(pixels[:, :, ::-1]))
    try:
        strips, found = engine.detect_and_crop(image, record)
    except RapidOCRError:
        return []
    margin, scale = record["padding_1"], record["preprocess"]
    ratios = (scale["ratio_w"], scale["ratio_h"])
    boxes = [
        (np.asarray(box, np.float64) - (margin["left"], margin["top"])) * ratios
        for box in found.boxes
    ]
    return list(zip(boxes, strips, strict=True))


@pytest.mark.parametrize("name", PICTURES)
def test_strips_are_rapidocrs_own(name):
    finder = load_reader()._finder
    expected = find_by_rapidocr(finder._engine, PICTURES[name])
    found = list(finder.find_strips(PICTURES[name]))
    assert len(found) == len(expected)
    assert bool(found) == (name != "nothing written")
    for (box, strip), (expected_box, expected_strip) in zip(found, expected, strict=True):
        assert np.array_equal(box, expected_box)
        assert np.array_equal(strip, expected_strip)


SOURCE = PICTURES["name plate"]
HEIGHT, WIDTH = SOURCE.shape[:2]
NUDGE = st.integers(-2, 2)


@given(
    st.integers(4, WIDTH - 80),
    st.integers(4, HEIGHT - 80),
    st.integers(5, 70),
    st.integers(5, 70),
    st.just((0, 0)) | st.tuples(NUDGE, NUDGE),
)
def test_a_strip_is_cut_as_rapidocr_does(left, top, width, height, nudge):
    right, bottom = left + width, top + height
    box = np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float32)
    box[1] += nudge
    assert np.array_equal(cut_strip(SOURCE, box), get_rotate_crop_image(SOURCE, box.copy()))


def test_values_are_scaled_as_rapidocr_does():
    image = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    prepare = DetPreProcess(96, "max", [0.485, 0.5, 0.4], [0.2, 0.5, 0.7])
    ours = scale_values(image, prepare.scale, prepare.mean, prepare.std)
    assert np.array_equal(ours, prepare(image))
    assert ours.dtype == np.float32
