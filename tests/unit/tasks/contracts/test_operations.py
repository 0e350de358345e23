"""Requests: what the settings ask for is what the service is asked, in its own terms."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_tags.tasks.contracts.operations import OPERATIONS
from image_tags.tasks.contracts.settings import AnalysisSettings
from tests.support.shapes import assert_request, operation

IMAGE = {"Image": {"Bytes": b"picture"}}
PERCENT = st.floats(0, 100, allow_nan=False)
NAMES = st.lists(st.text(min_size=1, max_size=5), max_size=3).map(tuple)
SETTINGS = st.builds(
    AnalysisSettings,
    max_labels=st.integers(1, 1000),
    label_confidence=PERCENT,
    label_include=NAMES,
    label_exclude=NAMES,
    label_category_include=NAMES,
    label_category_exclude=NAMES,
    image_properties=st.booleans(),
    word_confidence=PERCENT,
    word_min_height=st.floats(0, 1),
    word_min_width=st.floats(0, 1),
    moderation_confidence=PERCENT,
    face_attributes=st.sampled_from(["DEFAULT", "ALL"]),
)


@given(SETTINGS)
def test_every_request_fits_the_model(settings: AnalysisSettings) -> None:
    for name, entry in OPERATIONS.items():
        assert entry.name == name
        assert_request(name, IMAGE | entry.request(settings))


def test_the_order_of_filters_does_not_change_the_question() -> None:
    one = AnalysisSettings(label_include=("Dog", "Cat", "Dog"))
    two = AnalysisSettings(label_include=("Cat", "Dog"))
    assert OPERATIONS["detect_labels"].request(one) == OPERATIONS["detect_labels"].request(two)


def test_labels_ask_for_what_is_set_and_nothing_else() -> None:
    request = OPERATIONS["detect_labels"].request
    assert request(AnalysisSettings()) == {
        "MaxLabels": 50,
        "MinConfidence": 50.0,
        "Features": ["GENERAL_LABELS"],
    }
    wished = AnalysisSettings(
        label_category_exclude=("Colors and Visual Composition",), image_properties=True
    )
    assert request(wished)["Features"] == ["GENERAL_LABELS", "IMAGE_PROPERTIES"]
    general = {"LabelCategoryExclusionFilters": ["Colors and Visual Composition"]}
    assert request(wished)["Settings"] == {"GeneralLabels": general}


def test_words_are_asked_for_down_to_the_confidence_that_is_set() -> None:
    request = OPERATIONS["detect_text"].request
    # Left out, the service would apply a threshold of its own.
    assert request(AnalysisSettings()) == {"Filters": {"WordFilter": {"MinConfidence": 0.0}}}
    filters = request(AnalysisSettings(word_confidence=60, word_min_height=0.1))["Filters"]
    assert filters == {"WordFilter": {"MinConfidence": 60.0, "MinBoundingBoxHeight": 0.1}}


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_the_name_is_the_clients_method(name: str) -> None:
    assert operation(name).name.lower() == name.replace("_", "")
