"""Pictures whose pixels are all there are kept, whatever is wrong around them."""

import re
import time
import zlib
from io import BytesIO

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from image_tags.tasks.adapters.pictures.orientation import (
    displayed_size,
    read_orientation,
    turn_upright,
)
from image_tags.tasks.adapters.pictures.png_chunks import METADATA_LIMIT
from image_tags.tasks.adapters.pictures.shrink import shrink_picture
from image_tags.tasks.adapters.pictures.verify import verify_picture
from image_tags.tasks.contracts.errors import Rejected
from image_tags.tasks.contracts.settings import FetchSettings
from tests.support.odd_pictures import (
    BROKEN_EXIF,
    add_chunk,
    add_exif,
    break_checksum,
    png_chunk,
    sixteen_bit_png,
)
from tests.support.synthetic import encoded

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")

SETTINGS = FetchSettings(max_pixels=1_000_000, max_frames=5)
PNG = encoded("PNG")


def pixels(data):
    return np.asarray(Image.open(BytesIO(data)).convert("RGB"))


class TestBrokenExif:
    @pytest.mark.parametrize("name", BROKEN_EXIF)
    @pytest.mark.parametrize(
        "body",
        [
            pytest.param(encoded("WEBP"), id="WebP"),
            pytest.param(encoded("WEBP", lossless=True), id="lossless WebP"),
            pytest.param(encoded("JPEG", mode="CMYK"), id="CMYK JPEG"),
            pytest.param(encoded("JPEG"), id="JPEG"),
            pytest.param(sixteen_bit_png(), id="16-bit PNG"),
            pytest.param(PNG, id="PNG"),
        ],
    )
    def test_the_picture_is_kept_and_turned(self, body, name):
        block, orientation = BROKEN_EXIF[name]
        odd = add_exif(body, block)
        before = Image.open(BytesIO(body)).size
        verified = verify_picture(odd, SETTINGS)
        assert (verified.width, verified.height) == (before[::-1] if orientation == 6 else before)

    @pytest.mark.parametrize("name", BROKEN_EXIF)
    def test_it_can_be_shrunk(self, name):
        block, orientation = BROKEN_EXIF[name]
        data, _ = shrink_picture(add_exif(encoded("JPEG"), block), 100_000)
        assert Image.open(BytesIO(data)).size == ((120, 160) if orientation == 6 else (160, 120))

    @given(st.binary(max_size=300))
    def test_any_block_has_an_orientation(self, block):
        image = Image.new("RGB", (2, 1))
        image.info["exif"] = block
        assert 1 <= read_orientation(image) <= 8
        assert turn_upright(image).size == displayed_size(image)


class TestOrientation:
    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
    def test_the_size_is_as_displayed_and_readers_agree(self, name, orientation):
        exif = Image.Exif()
        exif[0x0112] = orientation
        body = encoded(name, exif=exif, **({"quality": 100} if name in ("JPEG", "AVIF") else {}))
        wanted = ImageOps.exif_transpose(Image.open(BytesIO(body))).convert("RGB")
        verified = verify_picture(body, SETTINGS)
        assert (verified.width, verified.height) == wanted.size
        stored = Image.open(BytesIO(verified.data))
        if name != "JPEG":  # Rekognition turns a JPEG as its EXIF says, and nothing else
            assert read_orientation(stored) == 1
        shown = np.asarray(turn_upright(stored).convert("RGB"), dtype=float)
        assert np.abs(shown - np.asarray(wanted, dtype=float)).mean() < 5

    def test_a_jpeg_keeps_its_bytes(self):
        exif = Image.Exif()
        exif[0x0112] = 6
        body = encoded("JPEG", exif=exif)
        verified = verify_picture(body, SETTINGS)
        assert (verified.data, verified.remark) == (body, None)
        assert (verified.width, verified.height) == (120, 160)


class TestPngMetadata:
    @pytest.mark.parametrize(
        "chunk",
        [
            png_chunk(b"iCCP", b"p\0\0" + zlib.compress(b"\0" * 1_400_000)),
            png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + b"x" * 1_400_000),
            png_chunk(b"iTXt", b"k\0\1\0\0\0" + zlib.compress(b"x" * 1_400_000)),
            png_chunk(b"zTXt", b"k\0\0" + zlib.compress(b"\0" * 50_000_000)),
            png_chunk(b"tEXt", b"k\0" + b"x" * 1_400_000),
            break_checksum(png_chunk(b"tEXt", b"Software\0any")),
            break_checksum(png_chunk(b"tIME", b"1234567")),
            png_chunk(b"iCCP", b"p\0\0no zlib"),
        ],
        ids=["icc", "xmp", "packed xmp", "bomb", "text", "bad checksum", "bad time", "not zlib"],
    )
    def test_it_is_dropped_and_not_the_picture(self, chunk):
        verified = verify_picture(add_chunk(PNG, chunk), SETTINGS)
        assert verified.data == PNG
        name = chunk[4:8].decode()
        assert verified.remark == f"dropped damaged or excessive metadata ({name})"
        assert verify_picture(verified.data, SETTINGS).remark is None

    @pytest.mark.parametrize(
        "chunk",
        [
            png_chunk(b"iCCP", b"p\0\0" + zlib.compress(b"\0" * 900_000)),
            png_chunk(b"tEXt", b"Software\0any"),
            png_chunk(b"prVt", b"private"),
        ],
    )
    def test_what_is_within_the_limit_stays(self, chunk):
        body = add_chunk(PNG, chunk)
        verified = verify_picture(body, SETTINGS)
        assert (verified.data, verified.remark) == (body, None)

    @pytest.mark.parametrize(
        "chunk",
        [
            png_chunk(b"gAMA", b"\0"),
            png_chunk(b"sRGB", b""),
            png_chunk(b"tRNS", b"\0"),
            png_chunk(b"cHRM", b"\0" * 8) + png_chunk(b"tEXt", b"k\0v"),
        ],
    )
    def test_a_malformed_chunk_does_not_cost_the_picture(self, chunk):
        verified = verify_picture(add_chunk(PNG, chunk), SETTINGS)
        assert (verified.data, verified.remark) == (PNG, "dropped damaged metadata")

    def test_transparency_stays_where_it_can_be_read(self):
        body = add_chunk(PNG, png_chunk(b"tRNS", b"\0\1" * 3))
        verified = verify_picture(add_chunk(body, png_chunk(b"gAMA", b"\0")), SETTINGS)
        assert verified.data == body

    def test_many_profiles_take_no_time(self):
        profile = png_chunk(b"iCCP", b"p\0\0" + zlib.compress(b"\0" * 900_000))
        body = add_chunk(PNG, profile * (8_000_000 // len(profile)))
        began = time.process_time()
        assert len(verify_picture(body, SETTINGS).data) < len(PNG) + METADATA_LIMIT
        assert time.process_time() - began < 5

    def test_a_bad_checksum_of_the_header_is_damage(self):
        broken = bytearray(PNG)
        broken[32] ^= 1
        with pytest.raises(Rejected) as caught:
            verify_picture(bytes(broken), SETTINGS)
        assert caught.value.reason == "truncated"


class TestAroundThePicture:
    @pytest.mark.parametrize("before", [b"\n", b"\r\n\r\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf \n"])
    @pytest.mark.parametrize("name", ["JPEG", "PNG"])
    def test_blanks_before_it_are_dropped(self, before, name):
        verified = verify_picture(before + encoded(name), SETTINGS)
        assert (pixels(verified.data) == pixels(encoded(name))).all()
        assert verified.remark == "dropped bytes before the picture"

    @pytest.mark.parametrize("change", [-2, 2, 100])
    def test_a_webp_with_a_wrong_length(self, change):
        body = encoded("WEBP")
        length = (len(body) - 8 + change).to_bytes(4, "little")
        verified = verify_picture(body[:4] + length + body[8:], SETTINGS)
        assert verified.data == verify_picture(body, SETTINGS).data
        assert "the length in its header was put right" in verified.remark

    def test_a_webp_that_is_cut_off_stays_refused(self):
        body = encoded("WEBP")
        for size in (len(body) // 2, len(body) - 20):
            assert try_to_verify(body[:size]) == "truncated"


def try_to_verify(body):
    """The stored bytes, or the reason for a refusal."""
    try:
        return verify_picture(body, SETTINGS).data
    except Rejected as error:
        return str(error.reason)


JPEGS = {
    "baseline": encoded("JPEG"),
    "progressive": encoded("JPEG", progressive=True),
    "CMYK": encoded("JPEG", mode="CMYK"),
    "restarts": encoded("JPEG", restart_marker_blocks=4),
    "grey": encoded("JPEG", mode="L"),
}


class TestJpegEnd:
    @pytest.mark.parametrize("name", JPEGS)
    @pytest.mark.parametrize("tail", [b"", b"\xff"])
    def test_a_missing_end_marker_is_added(self, name, tail):
        body = JPEGS[name]
        verified = verify_picture(body[:-2] + tail, SETTINGS)
        assert "its missing end marker was added" in verified.remark
        assert (pixels(verified.data) == pixels(verify_picture(body, SETTINGS).data)).all()

    @given(st.sampled_from(sorted(JPEGS)), st.integers(1, 400))
    @example("restarts", 114)  # right before a restart marker
    def test_a_jpeg_cut_anywhere_is_refused_or_whole(self, name, missing):
        body = JPEGS[name]
        kept = try_to_verify(body[:-missing])
        assert kept == "truncated" or (pixels(kept) == pixels(try_to_verify(body))).all()

    def test_a_jpeg_cut_at_a_restart_marker_is_refused(self):
        body = JPEGS["restarts"]
        for marker in list(re.finditer(rb"\xff[\xd0-\xd7]", body))[-8:]:
            assert {try_to_verify(body[:end]) for end in marker.span()} == {"truncated"}

    def test_a_progressive_jpeg_without_its_last_scan_is_refused(self):
        body = JPEGS["progressive"]
        with pytest.raises(Rejected):
            verify_picture(body[: body.rindex(b"\xff\xda")], SETTINGS)
