"""A word's box lies on the word in the picture as viewers display it, however it is stored."""

import io

import pytest
from PIL import Image

from image_tags.tasks.adapters.pictures.verify import verify_picture
from image_tags.tasks.contracts.settings import FetchSettings
from tests.support.pictures import SKIMAGE

STORED = {
    3: Image.Transpose.ROTATE_180,
    6: Image.Transpose.ROTATE_90,
    8: Image.Transpose.ROTATE_270,
}
"""How a camera that was held some other way stores a picture, by EXIF orientation."""


@pytest.mark.parametrize(
    ("kind", "orientation"), [("JPEG", 3), ("JPEG", 6), ("PNG", 6), ("WEBP", 8)]
)
def test_a_words_box_lies_on_the_word_as_displayed(ask, kind, orientation):
    with Image.open(SKIMAGE / "page.png") as image:
        page = image.convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = orientation
    body = io.BytesIO()
    page.transpose(STORED[orientation]).save(body, kind, exif=exif, quality=95)
    verified = verify_picture(body.getvalue(), FetchSettings())
    assert (verified.width, verified.height) == page.size
    boxes = {
        text["DetectedText"]: text["Geometry"]["BoundingBox"]
        for text in ask("detect_text", verified.data)["TextDetections"]
        if text["Type"] == "WORD"
    }
    # The page shows the second word of its heading from 38% to 75% of its width, at the top.
    box = boxes["segmentation"]
    assert box["Left"] == pytest.approx(0.38, abs=0.03)
    assert box["Left"] + box["Width"] == pytest.approx(0.75, abs=0.03)
    assert box["Top"] + box["Height"] < 0.2
