"""The shorter way from a strip to its text ends where RapidOCR's own does."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidocr.ch_ppocr_rec.typings import TextRecInput

from image_tags.tasks.adapters.analyzers.local.text import load_reader
from image_tags.tasks.adapters.analyzers.local.text_recognition import Reading, prepare_strip
from tests.unit.tasks.adapters.analyzers.local.test_text_strips import PICTURES


def read_by_rapidocr(recognizer, strip):
    result = recognizer(TextRecInput(img=[strip], return_word_box=True))
    info = result.word_results[0]
    columns = [column for word in info.word_cols for column in word]
    return Reading(
        text=result.txts[0],
        confidence=100 * float(result.scores[0]),
        confidences=[100 * one for one in info.confs] if result.txts[0] else [],
        centres=[(column + 0.5) / max(info.line_txt_len, 1) for column in columns],
    )


@pytest.fixture(scope="module")
def rapidocr():
    return load_reader()._finder._engine._load_rec_model()


@pytest.mark.parametrize("name", ["page", "tilted page", "page on its side", "name plate"])
def test_readings_are_rapidocrs_own(name, rapidocr):
    reader = load_reader()
    strips = [strip for _, strip in reader._finder.find_strips(PICTURES[name])]
    assert strips
    readings = [reader._recognizer.read_strip(strip) for strip in strips]
    assert readings == [read_by_rapidocr(rapidocr, strip) for strip in strips]
    assert any(len(reading.text) > 3 for reading in readings)


def test_a_strip_upside_down_reads_as_its_copy_does(rapidocr):
    reader = load_reader()
    for _, strip in reader._finder.find_strips(PICTURES["page on its side"]):
        copy = np.ascontiguousarray(strip[::-1, ::-1])
        assert reader._read_strip(strip, turned=True) == read_by_rapidocr(rapidocr, copy)


def test_a_strip_without_text_reads_as_nothing(rapidocr):
    blank = np.full((40, 200, 3), 255, np.uint8)
    reading = load_reader()._recognizer.read_strip(blank)
    assert reading == read_by_rapidocr(rapidocr, blank) == Reading("", 0.0, [], [])


@given(st.integers(1, 120), st.integers(1, 900), st.integers(0, 9))
@settings(max_examples=60)
def test_a_strip_is_scaled_as_rapidocr_does(height, width, seed):
    recognizer = load_reader()._finder._engine._load_rec_model()
    strip = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    widest = max(320 / 48, width / height)
    ours = prepare_strip(strip, 48, widest)
    assert np.array_equal(ours[0], recognizer.resize_norm_img(strip, widest))
    assert ours.dtype == np.float32


def test_every_character_is_one_character():
    assert {len(one) for one in load_reader()._recognizer._characters[1:]} == {1}, "but the blank"
