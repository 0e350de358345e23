"""A changed byte of a converted JPEG is noticed, wherever it is."""

from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from image_tags.tasks.adapters.pictures.checksum import add_checksum, has_wrong_checksum
from image_tags.tasks.adapters.pictures.verify import verify_picture
from image_tags.tasks.contracts.settings import FetchSettings
from tests.support.synthetic import encoded

SETTINGS = FetchSettings()
STORED = {
    "lossy WebP": verify_picture(encoded("WEBP"), SETTINGS).data,
    "CMYK JPEG": verify_picture(encoded("JPEG", mode="CMYK"), SETTINGS).data,
    "without an end": verify_picture(encoded("JPEG")[:-2], SETTINGS).data,
}


@pytest.mark.parametrize("name", STORED)
def test_what_is_stored_is_right_and_shows_the_same(name):
    data = STORED[name]
    assert not has_wrong_checksum(data)
    start = data.index(b"\xff\xfe", 2)
    bare = data[:start] + data[start + 4 + len("image-tags sha256=") + 64 :]
    assert add_checksum(bare) == data
    shown = [np.asarray(Image.open(BytesIO(one))) for one in (bare, data)]
    assert (shown[0] == shown[1]).all()


@given(st.sampled_from(sorted(STORED)), st.floats(0, 1, exclude_max=True), st.integers(1, 255))
def test_a_changed_byte_outside_the_comment_is_noticed(name, where, change):
    data = bytearray(STORED[name])
    at, comment = int(where * len(data)), data.index(b"image-tags")
    data[at] ^= change
    in_comment = comment <= at < comment + len("image-tags sha256=")
    assert in_comment or has_wrong_checksum(bytes(data))


def test_a_jpeg_that_is_kept_as_it_came_has_none():
    body = encoded("JPEG")
    assert verify_picture(body, SETTINGS).data == body
    assert not has_wrong_checksum(body)


@pytest.mark.parametrize("start", [b"\xff\xd8", b"\xff\xd8\xff", b"\xff\xd8\xff\xe0\xff\xff", b""])
def test_odd_starts(start):
    assert not has_wrong_checksum(start)
    assert not has_wrong_checksum(add_checksum(start + b"rest"))
