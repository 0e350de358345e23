"""What is kept, what is converted and what is refused, decided by bytes alone."""

import random
import struct
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from image_tags.tasks.adapters.pictures.limits import Decoding
from image_tags.tasks.adapters.pictures.verify import verify_picture
from image_tags.tasks.contracts.errors import Rejected
from image_tags.tasks.contracts.settings import FetchSettings
from tests.support.synthetic import encoded, picture

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")

SETTINGS = FetchSettings(max_pixels=1_000_000, max_frames=5)

READABLE = {
    "JPEG": encoded("JPEG"),
    "progressive JPEG": encoded("JPEG", progressive=True),
    "grey JPEG": encoded("JPEG", mode="L"),
    "CMYK JPEG": encoded("JPEG", mode="CMYK"),
    "PNG": encoded("PNG"),
    "palette PNG": encoded("PNG", mode="P"),
    "GIF": encoded("GIF", mode="P"),
    "WEBP": encoded("WEBP"),
    "lossless WEBP": encoded("WEBP", lossless=True),
    "BMP": encoded("BMP"),
    "TIFF": encoded("TIFF", compression="tiff_lzw"),
    "AVIF": encoded("AVIF"),
}


def reason_of(body, settings=SETTINGS):
    with pytest.raises(Rejected) as caught:
        verify_picture(body, settings)
    assert 0 < len(caught.value.detail) <= 300
    return caught.value.reason


def png_chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def sixteen_bits(*, colour):
    """A PNG of 100 x 90 px with 16 bits a channel: a slope from black to white."""
    row = np.linspace(0, 65535, 100).astype(">u2")
    rows = np.repeat(row[:, None], 3, axis=1) if colour else row
    lines = (b"\0" + rows.tobytes()) * 90
    header = struct.pack(">IIBBBBB", 100, 90, 16, 2 if colour else 0, 0, 0, 0)
    data = (
        png_chunk(b"IHDR", header)
        + png_chunk(b"IDAT", zlib.compress(lines))
        + png_chunk(b"IEND", b"")
    )
    return b"\x89PNG\r\n\x1a\n" + data


class TestKept:
    @pytest.mark.parametrize(
        ("name", "extension"),
        [
            ("JPEG", "jpg"),
            ("progressive JPEG", "jpg"),
            ("grey JPEG", "jpg"),
            ("PNG", "png"),
            ("palette PNG", "png"),
        ],
    )
    def test_the_bytes_are_those_downloaded(self, name, extension):
        verified = verify_picture(READABLE[name], SETTINGS)
        assert verified.data == READABLE[name]
        assert (verified.extension, verified.remark) == (extension, None)
        assert (verified.width, verified.height) == (160, 120)

    @pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
    def test_a_png_of_any_8_bit_mode(self, mode):
        body = encoded("PNG", mode=mode)
        assert verify_picture(body, SETTINGS).data == body

    def test_a_jpeg_of_several_pictures_is_a_jpeg(self):
        out = BytesIO()
        picture().save(out, "MPO", save_all=True, append_images=[picture(seed=1)])
        verified = verify_picture(out.getvalue(), SETTINGS)
        assert (verified.format, verified.data) == ("JPEG", out.getvalue())

    def test_what_follows_the_picture_does_not_matter(self):
        assert verify_picture(READABLE["JPEG"] + b"more", SETTINGS).extension == "jpg"


class TestConverted:
    @pytest.mark.parametrize(
        ("name", "extension", "remark"),
        [
            ("CMYK JPEG", "jpg", "converted from a CMYK JPEG to JPEG"),
            ("GIF", "png", "converted from GIF to PNG"),
            ("WEBP", "jpg", "converted from WEBP to JPEG"),
            ("lossless WEBP", "png", "converted from WEBP to PNG"),
            ("BMP", "png", "converted from BMP to PNG"),
            ("TIFF", "png", "converted from TIFF to PNG"),
            ("AVIF", "jpg", "converted from AVIF to JPEG"),
        ],
    )
    def test_to_what_the_analyzer_takes_and_looks_the_same(self, name, extension, remark):
        verified = verify_picture(READABLE[name], SETTINGS)
        assert (verified.extension, verified.remark) == (extension, remark)
        stored = Image.open(BytesIO(verified.data))
        assert stored.format == {"jpg": "JPEG", "png": "PNG"}[extension]
        assert stored.size == (verified.width, verified.height) == (160, 120)
        assert verify_picture(verified.data, SETTINGS).remark is None
        before = np.asarray(Image.open(BytesIO(READABLE[name])).convert("RGB"), dtype=float)
        assert np.abs(before - np.asarray(stored.convert("RGB"), dtype=float)).mean() < 4

    @pytest.mark.parametrize("colour", [False, True])
    def test_16_bits_keep_their_slope(self, colour):
        verified = verify_picture(sixteen_bits(colour=colour), SETTINGS)
        assert verified.remark == "converted from a 16-bit PNG to PNG"
        line = np.asarray(Image.open(BytesIO(verified.data)).convert("L"))[0].astype(int)
        assert (line[0], line[-1]) == (0, 255)
        assert all(0 <= after - before <= 4 for before, after in pairwise(line))

    @pytest.mark.parametrize("mode", ["I", "F", "I;16"])
    def test_a_tiff_of_numbers_becomes_grey(self, mode):
        values = np.linspace(0, 60_000, 100 * 90).reshape(90, 100)
        out = BytesIO()
        Image.fromarray(values.astype({"I": "int32", "F": "float32", "I;16": "uint16"}[mode])).save(
            out, "TIFF"
        )
        verified = verify_picture(out.getvalue(), SETTINGS)
        stored = np.asarray(Image.open(BytesIO(verified.data)))
        assert stored.min() == 0
        assert stored.max() > 220

    @pytest.mark.parametrize("name", ["WEBP", "TIFF", "AVIF"])
    def test_transparency_is_kept(self, name):
        image = picture(mode="RGBA")
        image.putalpha(Image.linear_gradient("L").resize(image.size))
        out = BytesIO()
        image.save(out, name)
        verified = verify_picture(out.getvalue(), SETTINGS)
        assert verified.extension == "png"
        assert Image.open(BytesIO(verified.data)).mode == "RGBA"

    @pytest.mark.parametrize("name", ["WEBP", "TIFF", "AVIF"])
    def test_the_orientation_is_applied(self, name):
        exif = Image.Exif()
        exif[0x0112] = 6
        verified = verify_picture(encoded(name, exif=exif), SETTINGS)
        assert (verified.width, verified.height) == (120, 160)
        stored = Image.open(BytesIO(verified.data))
        assert stored.size == (120, 160)
        assert 0x0112 not in stored.getexif()

    @pytest.mark.parametrize("name", ["GIF", "WEBP"])
    def test_an_animation_gives_its_first_frame(self, name):
        first, *others = [
            Image.new("RGB", (100, 90), colour) for colour in ("red", "green", "blue")
        ]
        out = BytesIO()
        first.save(out, name, save_all=True, append_images=others, lossless=True)
        verified = verify_picture(out.getvalue(), SETTINGS)
        assert verified.remark == f"converted from {name} to PNG, first of 3 frames"
        assert Image.open(BytesIO(verified.data)).convert("RGB").getpixel((50, 50)) == (255, 0, 0)


class TestRefused:
    @pytest.mark.parametrize("name", READABLE)
    @pytest.mark.parametrize("share", [0.02, 0.5, 0.95])
    def test_a_picture_cut_short(self, name, share):
        body = READABLE[name]
        assert reason_of(body[: int(len(body) * share)]) in {"truncated", "not_an_image"} - (
            {"not_an_image"} if share > 0.1 else set()
        )

    @pytest.mark.parametrize("size", [(79, 200), (200, 79), (1, 1)])
    def test_too_small(self, size):
        assert reason_of(encoded("PNG", size)) == "too_small"

    def test_as_small_as_may_be(self):
        assert verify_picture(encoded("PNG", (80, 80)), SETTINGS).width == 80

    @pytest.mark.parametrize("name", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF"])
    def test_too_many_pixels_and_far_too_many(self, name):
        body = encoded(name, (160, 120), mode="P" if name == "GIF" else "RGB")
        assert reason_of(body, FetchSettings(max_pixels=160 * 120 - 1)) == "too_large"
        assert reason_of(body, FetchSettings(max_pixels=160 * 120 // 2 - 1)) == "decompression_bomb"
        assert verify_picture(body, FetchSettings(max_pixels=160 * 120)).width == 160

    @pytest.mark.parametrize("name", ["GIF", "WEBP", "PNG", "AVIF"])
    def test_too_many_frames(self, name):
        first, *others = [picture((100, 90), seed=n) for n in range(6)]
        out = BytesIO()
        first.save(out, name, save_all=True, append_images=others)
        assert reason_of(out.getvalue()) == "too_large"
        assert verify_picture(out.getvalue(), FetchSettings(max_frames=6)).width == 100

    def test_a_gif_of_more_blocks_than_anybody_counts(self):
        body = READABLE["GIF"]
        assert reason_of(body[:-1] + b"\x21\xfe" + b"\x01x" * 1_100_000 + b"\0;") == "too_large"

    def test_a_jpeg_of_more_scans_than_anybody_needs(self):
        body = encoded("JPEG", (900, 900), progressive=True)
        last = body.rfind(b"\xff\xda")
        assert reason_of(body[:-2] + body[last:-2] * 100 + body[-2:]) == "decompression_bomb"

    @pytest.mark.parametrize(
        ("name", "at", "piece", "reason"),
        [
            ("GIF", 13 + 3 * 256, b"\x21\xfe" + b"\x01x" * 999 + b"\0", "too_large"),
            ("GIF", 13 + 3 * 256, b"\0", "too_large"),
            ("JPEG", 2, b"\xff\xe5\0\x02", "too_large"),
            ("JPEG", 2, b"\xff", "too_large"),
            ("JPEG", 2, b"\xff\xe1\0\x30Exif\0\0" + b"x" * 40, "decompression_bomb"),
            ("PNG", 33, png_chunk(b"prVt", b""), "too_large"),
            ("PNG", -12, png_chunk(b"prVt", b""), "too_large"),
        ],
    )
    def test_a_picture_of_more_pieces_than_anybody_needs_takes_no_time(
        self, name, at, piece, reason
    ):
        body = READABLE[name]
        began = time.process_time()
        assert reason_of(body[:at] + piece * (8_000_000 // len(piece)) + body[at:]) == reason
        assert time.process_time() - began < 5

    def test_a_picture_of_as_many_pieces_as_encoders_write(self):
        for name, at, piece in (
            ("GIF", 13 + 3 * 256, b"\x21\xfe" + (b"\xff" + b"x" * 255) * 20_000 + b"\0"),
            (
                "JPEG",
                2,
                (b"\xff\xe1\xff\xfdhttp://ns.adobe.com/xmp/extension/\0" + b"x" * 65_496) * 300,
            ),
            ("PNG", 33, png_chunk(b"IDAT", b"") * 20_000),
        ):
            body = READABLE[name]
            assert verify_picture(body[:at] + piece + body[at:], SETTINGS).format == name

    @pytest.mark.parametrize("name", ["JPEG", "progressive JPEG"])
    def test_a_jpeg_of_12_bits_is_no_damage(self, name):
        body = READABLE[name]
        at = max(body.find(b"\xff\xc0\0\x11"), body.find(b"\xff\xc2\0\x11"))
        assert reason_of(body[: at + 4] + b"\x0c" + body[at + 5 :]) == "unsupported_format"

    def test_a_tiff_with_a_tag_that_claims_the_whole_file_many_times(self):
        entries = [struct.pack("<HHII", 60_000 + n, 7, 900_000, 8) for n in range(1000)]
        ifd = struct.pack("<H", len(entries)) + b"".join(entries) + b"\0" * 4
        assert (
            reason_of(b"II*\0" + struct.pack("<I", 1_000_000) + bytes(999_992) + ifd) == "truncated"
        )

    @pytest.mark.parametrize(
        ("body", "reason"),
        [
            (b"", "not_an_image"),
            (b"<!DOCTYPE html><html></html>", "not_an_image"),
            (b"BMW is a car, and this is no picture of it at all.", "not_an_image"),
            (b"%PDF-1.7 ...", "not_an_image"),
            (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "not_an_image"),
            (b'{"error": 404}', "not_an_image"),
            (bytes(range(128, 256)), "not_an_image"),
            (
                b"\xef\xbb\xbf<?xml version='1.0'?><!-- c --><svg xmlns='http://www.w3.org/2000/svg'/>",
                "unsupported_format",
            ),
            (b"\0\0\0\x1cftypmif1\0\0\0\0mif1heicmiaf", "unsupported_format"),
            (b"\0\0\0\x0cJXL \r\n\x87\n", "unsupported_format"),
            (b"\xff\x0a\xfa\x7f", "unsupported_format"),
            (b"\0\0\0\x0cjP  \r\n\x87\n", "unsupported_format"),
            (b"8BPS\0\x01", "unsupported_format"),
            (b"\0\0\x01\0\x01\0\x10\x10", "unsupported_format"),
            (b"P6\n10 10\n255\n", "unsupported_format"),
        ],
    )
    def test_what_is_no_picture_that_can_be_read(self, body, reason):
        assert reason_of(body) == reason


class TestAnything:
    """Only Rejected ever comes out, whatever goes in."""

    @given(
        st.binary(max_size=400),
        st.sampled_from([b"", *(body[:n] for body in READABLE.values() for n in (12, 40))]),
    )
    def test_of_any_bytes(self, body, beginning):
        only_rejected(beginning + body)

    @given(st.sampled_from(sorted(READABLE)), st.randoms(use_true_random=False))
    def test_of_a_damaged_picture(self, name, chance: random.Random):
        only_rejected(damaged(READABLE[name], chance))

    @given(
        st.sampled_from([name for name in READABLE if "JPEG" in name]),
        st.randoms(use_true_random=False),
    )
    @settings(max_examples=400)
    def test_a_jpeg_is_refused_just_when_making_all_its_pixels_fails(
        self, name, chance: random.Random
    ):
        body = damaged(READABLE[name], chance)
        try:
            with JpegImageFile(BytesIO(body)) as whole:
                small = min(whole.size) >= 80 and whole.width * whole.height <= SETTINGS.max_pixels
                if small:
                    whole.load()
        except Exception:
            small = False
        assert (refused(body) in (None, "decompression_bomb")) if small else refused(body)


def refused(body):
    """Why verification refuses a body; None if it does not."""
    try:
        verify_picture(body, SETTINGS)
    except Rejected as error:
        return error.reason
    return None


def damaged(body: bytes, chance: random.Random) -> bytes:
    body = bytearray(body)
    for _ in range(chance.randint(1, 8)):
        # Headers hold what a decoder trusts, so most damage goes there.
        at = (
            chance.randrange(min(len(body), 700))
            if chance.random() < 0.8
            else chance.randrange(len(body))
        )
        how = chance.choice(("flip", "set", "cut", "insert"))
        if how == "flip":
            body[at] ^= 1 << chance.randrange(8)
        elif how == "set":
            body[at : at + 4] = chance.choice(
                (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff")
            )
        elif how == "cut":
            del body[at : at + chance.randint(1, 64)]
        else:
            body[at:at] = chance.randbytes(chance.randint(1, 64))
        if not body:
            break
    return bytes(body)


def only_rejected(body):
    try:
        verified = verify_picture(body, SETTINGS)
    except Rejected:
        return
    assert verified.width * verified.height <= SETTINGS.max_pixels


def test_threads_share_the_room_for_pixels():
    decoding, most, now = Decoding(), 0, 0

    def decode(pixels):
        nonlocal most, now
        with decoding.reserve_pixels(pixels, 100):
            now += pixels
            most = max(most, now)
            now -= pixels

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(decode, [60, 40, 100, 250, 10] * 40))
    assert most <= 250
