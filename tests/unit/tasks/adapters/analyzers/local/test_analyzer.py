"""The local analyzer on real pictures."""

import re

import pytest

from image_tags.tasks.adapters.analyzers.local.analyzer import LocalAnalyzer
from image_tags.tasks.contracts.errors import Transient, UsageError
from image_tags.tasks.contracts.records import Picture
from image_tags.tasks.contracts.settings import AnalysisSettings
from tests.support.pictures import ASTRONAUT, HOPPER, SKIMAGE
from tests.support.shapes import assert_response


def names(response):
    return [label["Name"] for label in response["Labels"]]


def test_a_cat_is_a_cat_and_an_animal_with_parents(ask):
    response = ask("detect_labels", SKIMAGE / "chelsea.png")
    assert_response("detect_labels", response)
    assert {"Cat", "Pet", "Mammal", "Animal"} <= set(names(response))
    cat = next(label for label in response["Labels"] if label["Name"] == "Cat")
    assert {parent["Name"] for parent in cat["Parents"]} == {"Feline", "Pet", "Mammal", "Animal"}
    assert cat["Categories"] == [{"Name": "Animals and Pets"}]
    assert response["LabelModelVersion"].startswith("efficientnet-lite2-0.1.0/")


@pytest.mark.parametrize(
    ("file", "label"),
    [
        ("coffee.png", "Coffee Cup"),
        ("camera.png", "Tripod"),
        ("motorcycle_left.png", "Motorcycle"),
    ],
)
def test_things_get_their_everyday_names(ask, file, label):
    assert label in names(ask("detect_labels", SKIMAGE / file))


def test_a_small_thing_in_a_wide_scene_is_named_but_not_surely(ask):
    """One look at the middle makes an oil rig of a rocket between towers."""
    rocket = SKIMAGE / "rocket.jpg"
    found = names(ask("detect_labels", rocket, label_confidence=30))
    assert found == ["Transportation", "Vehicle", "Rocket"]
    assert "Rocket" not in names(ask("detect_labels", rocket))


@pytest.mark.parametrize(
    "file", ["moon.png", "page.png", "gravel.png", "coins.png", "hubble_deep_field.jpg"]
)
def test_what_the_model_does_not_know_gets_no_label(ask, file):
    assert names(ask("detect_labels", SKIMAGE / file)) == []


def test_a_drawn_horse_is_an_animal_and_no_dog(ask):
    found = names(ask("detect_labels", SKIMAGE / "horse.png"))
    assert "Animal" in found
    assert not {"Dog", "Canine", "Pet"} & set(found)


def test_a_face_is_a_person_with_a_box(ask):
    response = ask("detect_labels", ASTRONAUT)
    assert_response("detect_labels", response)
    found = {label["Name"]: label for label in response["Labels"]}
    assert found["Face"]["Parents"] == [{"Name": "Person"}, {"Name": "Human"}]
    assert found["Human"]["Confidence"] >= found["Person"]["Confidence"]
    assert found["Person"]["Confidence"] >= found["Face"]["Confidence"] > 90
    assert len(found["Face"]["Instances"]) == 1
    box = found["Person"]["Instances"][0]["BoundingBox"]
    assert box["Left"] < 0.44 < box["Left"] + box["Width"], "her nose is 44% from the left"
    assert box["Top"] < 0.26 < box["Top"] + box["Height"], "and 26% from the top"


def test_labels_keep_to_the_settings(ask):
    chelsea = SKIMAGE / "chelsea.png"
    assert len(names(ask("detect_labels", chelsea, max_labels=3))) == 3
    assert names(ask("detect_labels", chelsea, label_include=("Cat", "Dog"))) == ["Cat"]
    assert "Cat" not in names(ask("detect_labels", chelsea, label_exclude=("Cat",)))
    assert names(ask("detect_labels", chelsea, label_category_include=("Food and Beverage",))) == []
    assert names(ask("detect_labels", chelsea, label_category_exclude=("Animals and Pets",))) == []
    least = min(
        label["Confidence"]
        for label in ask("detect_labels", chelsea, label_confidence=1.0)["Labels"]
    )
    assert 1 <= least < 50


def test_a_page_of_print_gives_its_words(ask):
    response = ask("detect_text", SKIMAGE / "page.png")
    assert_response("detect_text", response)
    lines = [found for found in response["TextDetections"] if found["Type"] == "LINE"]
    words = [found for found in response["TextDetections"] if found["Type"] == "WORD"]
    assert lines[0]["DetectedText"] == "Region-based segmentation"
    assert lines[3]["DetectedText"] == "unambiguously as either object or background. Here,"
    assert {"markers", "coins", "histogram", "unambiguously"} <= {
        word["DetectedText"] for word in words
    }
    assert [found["Id"] for found in response["TextDetections"]] == list(
        range(len(lines) + len(words))
    )
    for line in lines:
        mine = [word["DetectedText"] for word in words if word["ParentId"] == line["Id"]]
        assert " ".join(mine) == line["DetectedText"]


def test_enrolled_people_are_recognised_and_not_confused(ask, people):
    for picture, name in ((HOPPER, "Grace Hopper"), (ASTRONAUT, "Eileen Collins")):
        response = ask("recognize_celebrities", picture, people=str(people))
        assert_response("recognize_celebrities", response)
        assert [found["Name"] for found in response["CelebrityFaces"]] == [name]
        assert response["CelebrityFaces"][0]["MatchConfidence"] > 90
        assert re.fullmatch("[0-9A-Za-z]+", response["CelebrityFaces"][0]["Id"])
        assert response["UnrecognizedFaces"] == []


def test_others_are_left_unrecognised(ask, people):
    (people / "Grace_Hopper.jpg").unlink()
    for gallery in (str(people), None):
        response = ask("recognize_celebrities", HOPPER, people=gallery)
        assert_response("recognize_celebrities", response)
        assert response["CelebrityFaces"] == []
        assert len(response["UnrecognizedFaces"]) == 1


def test_faces_have_landmarks_where_they_are(ask):
    response = ask("detect_faces", HOPPER)
    assert_response("detect_faces", response)
    (face,) = response["FaceDetails"]
    at = {landmark["Type"]: landmark for landmark in face["Landmarks"]}
    assert at["eyeLeft"]["X"] < at["nose"]["X"] < at["eyeRight"]["X"]
    assert at["mouthLeft"]["X"] < at["nose"]["X"] < at["mouthRight"]["X"]
    assert at["eyeLeft"]["Y"] < at["nose"]["Y"] < at["mouthLeft"]["Y"]
    assert -10 < face["Pose"]["Roll"] < 10
    assert -10 < face["Pose"]["Yaw"] < 10, "she looks into the camera"
    assert "Pitch" not in face["Pose"]
    assert set(face["Quality"]) == {"Brightness", "Sharpness"}


def test_what_only_rekognition_has_is_refused_at_once(store):
    with pytest.raises(UsageError, match="image-properties"):
        LocalAnalyzer(AnalysisSettings(image_properties=True), store)
    with pytest.raises(UsageError, match="face-attributes"):
        LocalAnalyzer(AnalysisSettings(face_attributes="ALL"), store)


def test_a_missing_extra_is_one_sentence(store, monkeypatch):
    monkeypatch.setattr(
        "image_tags.tasks.adapters.analyzers.local.packages._MODULES", ("onnx", "no_such_module")
    )
    with pytest.raises(UsageError, match=r"no_such_module.*pip install 'image-tags\[local\]'"):
        LocalAnalyzer(AnalysisSettings(), store)


def test_a_picture_that_is_gone_may_come_back(store):
    with pytest.raises(Transient):
        LocalAnalyzer(AnalysisSettings(), store).answer(
            "detect_text", Picture("a", "images/aa/gone.png", 1, 1, 1)
        )


def test_settings_name_everything_an_answer_depends_on(store, people):
    def of(operation, **settings):
        return LocalAnalyzer(AnalysisSettings(**settings), store).settings_of(operation)

    assert of("detect_labels") == of("detect_labels")
    assert of("detect_labels") != of("detect_labels", label_confidence=60)
    assert of("detect_text") == of("detect_text", label_confidence=60, people=str(people))
    assert of("detect_text") != of("detect_text", word_confidence=60)
    before = of("recognize_celebrities", people=str(people))
    assert before != of("recognize_celebrities")
    assert before["analyzer"] == "local"
