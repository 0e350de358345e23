"""Reading: words, where they stand, and which way up."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from image_tags.tasks.adapters.analyzers.local import text_answers
from image_tags.tasks.adapters.analyzers.local.pixels import read_pixels
from image_tags.tasks.adapters.analyzers.local.text import Line, Word, load_reader
from image_tags.tasks.contracts.settings import AnalysisSettings
from tests.support.pictures import HOPPER, SKIMAGE

FIRST = "Region-based segmentation"


def page(angle=0):
    """The page of print, turned anticlockwise by so many degrees."""
    with Image.open(SKIMAGE / "page.png") as image:
        return image.convert("RGB").rotate(
            angle, expand=True, fillcolor=(180, 180, 180), resample=Image.Resampling.BICUBIC
        )


def line_on(image):
    (line,) = [line for line in load_reader().read_lines(np.asarray(image)) if line.text == FIRST]
    return line


@pytest.mark.parametrize("angle", [0, 10, -20, 90, 180, 270])
def test_text_is_read_whichever_way_it_is_turned(angle):
    image = page(angle)
    words = [
        word.text for line in load_reader().read_lines(np.asarray(image)) for word in line.words
    ]
    assert {"segmentation", "markers", "pixels", "unambiguously", "object", "Here,"} <= set(words)
    begin, end = line_on(image).quad[[0, 1]] * image.size
    # Along the line from where it begins: to the right on the upright page, and turned with it.
    assert np.degrees(np.arctan2(begin[1] - end[1], end[0] - begin[0])) % 360 == pytest.approx(
        angle % 360, abs=4
    )


def test_words_lie_on_their_line_in_order_without_overlap():
    line = line_on(page())
    assert [word.text for word in line.words] == FIRST.split()
    first, second = (word.quad for word in line.words)
    # The page shows the heading from 3% to 75% of its width, the gap between its words at 37%.
    assert first[:, 0].min() == pytest.approx(0.03, abs=0.02)
    assert first[:, 0].max() < second[:, 0].min() + 0.02
    assert first[:, 0].max() == pytest.approx(0.37, abs=0.03)
    assert second[:, 0].max() == pytest.approx(0.75, abs=0.03)


@pytest.mark.parametrize(
    "file", ["astronaut.png", "moon.png", "grass.png", "coins.png", "retina.jpg"]
)
def test_where_nothing_is_written_nothing_is_read(file):
    assert list(load_reader().read_lines(read_pixels((SKIMAGE / file).read_bytes()))) == []


def test_ornaments_are_no_text():
    """The gold braid on the admiral's cap looks like `***`; her name plate says COMO HOPPER."""
    lines = [line.text for line in load_reader().read_lines(read_pixels(HOPPER.read_bytes()))]
    assert "COMO HOPPER" in lines
    assert all(any(character.isalnum() for character in line) for line in lines)


UNIT = st.floats(0, 1, width=32)
QUADS = st.lists(st.tuples(UNIT, UNIT), min_size=4, max_size=4).map(np.array)
WORDS = st.builds(Word, st.text("abc", min_size=1, max_size=5), st.floats(0, 100), QUADS)
LINES = st.lists(st.lists(WORDS, max_size=40), max_size=8).map(
    lambda lines: [
        Line(" ".join(w.text for w in words), 90.0, np.zeros((4, 2)), tuple(words))
        for words in lines
    ]
)
FILTERS = st.builds(
    AnalysisSettings, word_confidence=st.floats(0, 100), word_min_width=UNIT, word_min_height=UNIT
)


@given(LINES, FILTERS)
def test_words_keep_to_the_filters_and_their_lines(lines, settings):
    found = text_answers.build_text(lines, settings)["TextDetections"]
    assert [one["Id"] for one in found] == list(range(len(found)))
    words = [one for one in found if one["Type"] == "WORD"]
    fitting = [
        word
        for line in lines
        for word in line.words
        if word.confidence >= settings.word_confidence
        and np.ptp(word.quad[:, 0]) >= settings.word_min_width
        and np.ptp(word.quad[:, 1]) >= settings.word_min_height
    ]
    assert [word["DetectedText"] for word in words] == [word.text for word in fitting[:100]]
    assert {word["ParentId"] for word in words} == {
        one["Id"] for one in found if one["Type"] == "LINE"
    }


def test_after_a_hundred_words_no_line_is_read():
    def lines():
        for _ in range(4):
            yield Line("a " * 30, 99.0, np.zeros((4, 2)), (Word("a", 99.0, np.zeros((4, 2))),) * 30)
        pytest.fail("a fifth line was asked for")

    found = text_answers.build_text(lines(), AnalysisSettings())["TextDetections"]
    assert sum(one["Type"] == "WORD" for one in found) == 100
