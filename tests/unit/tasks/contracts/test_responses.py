"""Readers: every shape the model allows, and the answers that others have written down."""

import json
import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import boto3
import botocore
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from image_tags.tasks.contracts.operations import OPERATIONS, read_all
from image_tags.tasks.contracts.records import Tag
from image_tags.tasks.contracts.tables import KINDS, TAGS_LONG, schema_of
from tests.support import rekognition_answers
from tests.support.responses import responses
from tests.support.shapes import assert_response, operation

DETECTIONS = {
    "detect_labels": {"Labels": "Name"},
    "detect_text": {"TextDetections": "DetectedText"},
    "recognize_celebrities": {"CelebrityFaces": "Name", "UnrecognizedFaces": None},
    "detect_moderation_labels": {"ModerationLabels": "Name"},
    "detect_faces": {"FaceDetails": None},
}
"""Where an operation's detections are, and what names one; None: it needs no name."""

ANSWERS = st.sampled_from(sorted(OPERATIONS)).flatmap(
    lambda name: st.tuples(st.just(name), responses(name))
)


def assert_tags(tags: list[Tag]) -> None:
    """What holds for the tags of any image."""
    for kind in KINDS:
        ranked = [tag for tag in tags if tag.kind == kind]
        assert [tag.rank for tag in ranked] == list(range(1, len(ranked) + 1))
        if kind not in ("word", "line"):
            assert all(one.confidence >= two.confidence for one, two in pairwise(ranked))
    for tag in tags:
        assert tag.kind in KINDS
        assert tag.name
        assert math.isfinite(tag.confidence)
        box = [tag.left, tag.top, tag.width, tag.height]
        assert box == [None] * 4 or (
            min(box) >= 0 and max(tag.left + tag.width, tag.top + tag.height) <= 1 + 1e-9
        )
        assert (tag.instances is not None) == (tag.kind == "label")
        json.dumps(tag.details, allow_nan=False, ensure_ascii=False).encode()
        row = {
            **vars(tag),
            "image_id": "i",
            "analyzer": "a",
            "model_version": None,
            "details": json.dumps(tag.details),
        }
        assert pa.Table.from_pylist([row], schema=schema_of(TAGS_LONG)).num_rows == 1


@given(ANSWERS)
def test_every_shape_is_read_and_no_detection_lost(answer: tuple[str, dict[str, Any]]) -> None:
    name, response = answer
    before = json.dumps(response)
    tags = OPERATIONS[name].read(response)
    assert_tags(tags)
    detections = [
        item
        for member, naming in DETECTIONS[name].items()
        for item in response.get(member) or []
        if item is not None and (naming is None or item.get(naming))
    ]
    assert len(tags) == len(detections)
    assert all(tag.details["operation"] == name for tag in tags)
    assert json.dumps(response) == before


@given(st.lists(ANSWERS, max_size=3))
def test_tags_of_several_operations_are_ranked_together(
    answers: list[tuple[str, dict[str, Any]]],
) -> None:
    tags = read_all(answers)
    assert_tags(tags)
    read = [tag for name, response in answers for tag in OPERATIONS[name].read(response)]
    joined = sum("also_found_by" in tag.details for tag in tags)
    assert len(tags) + joined == len(read)
    assert all(tag.kind == "face" for tag in tags if "also_found_by" in tag.details)


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_the_version_is_a_member_of_the_response(name: str) -> None:
    version = OPERATIONS[name].version
    versions = [
        member for member in operation(name).output_shape.members if member.endswith("ModelVersion")
    ]
    assert versions == ([version] if version else [])


def test_a_label_fills_every_column() -> None:
    box = {"Left": 0.1, "Top": 0.2, "Width": 0.3, "Height": 0.4}
    response = {
        "Labels": [
            {"Name": "Animal", "Confidence": 80.0},
            {
                "Name": "Dog",
                "Confidence": 97.5,
                "Instances": [{"Confidence": 90.0}, {"BoundingBox": box, "Confidence": 95.0}],
                "Parents": [{"Name": "Pet"}, {"Name": "Animal"}],
                "Categories": [{"Name": "Animals and Pets"}],
                "Aliases": [{"Name": "Hound"}],
            },
        ],
        "OrientationCorrection": "ROTATE_90",
        "ImageProperties": {"Quality": {"Sharpness": 70.0}},
    }
    assert_response("detect_labels", response)
    dog, animal = OPERATIONS["detect_labels"].read(response)
    assert dog == Tag(
        "label", 1, "Dog", 97.5, 0.1, 0.2, 0.3, 0.4, 1, ["Pet", "Animal"], ["Animals and Pets"],
        {
            "instances": response["Labels"][1]["Instances"],
            "aliases": ["Hound"],
            "operation": "detect_labels",
            "orientation_correction": "ROTATE_90",
            "image_properties": {"Quality": {"Sharpness": 70.0}},
        },
    )  # fmt: skip
    assert (animal.rank, animal.instances, animal.left) == (2, 0, None)
    assert animal.details == {"operation": "detect_labels", "orientation_correction": "ROTATE_90"}


def test_words_and_lines_keep_the_reading_order_and_their_ids() -> None:
    corner = {"X": 0.5, "Y": 0.5}
    geometry = {
        "BoundingBox": {"Left": 0.5, "Top": 0.5, "Width": 0.1, "Height": 0.1},
        "Polygon": [corner],
    }
    response = {
        "TextDetections": [
            {"DetectedText": "big sale", "Type": "LINE", "Id": 0, "Confidence": 70.0},
            {
                "DetectedText": "big",
                "Type": "WORD",
                "Id": 1,
                "ParentId": 0,
                "Confidence": 60.0,
                "Geometry": geometry,
            },
            {"DetectedText": "sale", "Type": "WORD", "Id": 2, "ParentId": 0, "Confidence": 99.0},
        ]
    }
    line, big, sale = OPERATIONS["detect_text"].read(response)
    assert (line.kind, line.rank, line.name, line.details["text_id"]) == ("line", 1, "big sale", 0)
    assert [(word.kind, word.rank, word.name) for word in (big, sale)] == [
        ("word", 1, "big"),
        ("word", 2, "sale"),
    ]
    assert big.details == {
        "text_id": 1,
        "parent_id": 0,
        "polygon": [corner],
        "operation": "detect_text",
    }
    assert (big.left, big.width) == (0.5, 0.1)


def test_a_celebrity_has_its_match_confidence_and_the_face_its_own() -> None:
    pose = {"Roll": 1.0, "Yaw": 2.0, "Pitch": 3.0}
    response = {
        "CelebrityFaces": [
            {
                "Name": "Ada Lovelace",
                "Id": "1AbC",
                "Urls": ["www.wikidata.org/wiki/Q7259"],
                "MatchConfidence": 61.0,
                "KnownGender": {"Type": "Female"},
                "Face": {"Confidence": 99.9, "Pose": pose},
            }
        ],
        "UnrecognizedFaces": [{"Confidence": 88.0}],
    }
    tags = {tag.kind: tag for tag in OPERATIONS["recognize_celebrities"].read(response)}
    ada, face = tags["celebrity"], tags["face"]
    assert (ada.kind, ada.rank, ada.name, ada.confidence) == ("celebrity", 1, "Ada Lovelace", 61.0)
    assert ada.details == {
        "id": "1AbC",
        "urls": ["www.wikidata.org/wiki/Q7259"],
        "known_gender": "Female",
        "face_confidence": 99.9,
        "face": {"pose": pose},
        "operation": "recognize_celebrities",
    }
    assert (face.kind, face.rank, face.name, face.confidence) == ("face", 1, "Face", 88.0)


def test_moderation_labels_name_their_parent_and_level() -> None:
    smoking = {
        "Name": "Smoking",
        "ParentName": "Drugs & Tobacco",
        "TaxonomyLevel": 2,
        "Confidence": 90.0,
    }
    top = {"Name": "Drugs & Tobacco", "ParentName": "", "TaxonomyLevel": 1, "Confidence": 90.0}
    content = [{"Name": "Illustrated", "Confidence": 80.0}]
    one, two = OPERATIONS["detect_moderation_labels"].read(
        {"ModerationLabels": [smoking, top], "ContentTypes": content}
    )
    assert (one.name, one.parents, one.details["taxonomy_level"]) == (
        "Smoking",
        ["Drugs & Tobacco"],
        2,
    )
    assert one.details["content_types"] == content
    assert (two.name, two.parents, two.rank) == ("Drugs & Tobacco", [], 2)


def test_a_detection_without_confidence_says_so() -> None:
    (tag,) = OPERATIONS["detect_labels"].read(
        {"Labels": [{"Name": "Dog", "Confidence": float("nan")}]}
    )
    assert tag.confidence == 0.0
    assert tag.details["confidence"] == "not given"


def test_a_box_over_the_edge_is_clipped_and_kept_in_the_details() -> None:
    box = {"Left": -0.25, "Top": 0.75, "Width": 0.5, "Height": 0.5}
    (tag,) = OPERATIONS["detect_faces"].read(
        {"FaceDetails": [{"BoundingBox": box, "Confidence": 99.0}]}
    )
    assert (tag.left, tag.top, tag.width, tag.height) == (0.0, 0.75, 0.25, 0.25)
    assert tag.details["box_as_answered"] == {
        "left": -0.25,
        "top": 0.75,
        "width": 0.5,
        "height": 0.5,
    }


def test_botocores_own_examples() -> None:
    path = (
        Path(botocore.__file__).parent / "data" / "rekognition" / "2016-06-27" / "examples-1.json"
    )
    examples = json.loads(path.read_text())["examples"]
    labels = OPERATIONS["detect_labels"].read(examples["DetectLabels"][0]["output"])
    assert [(tag.name, tag.rank) for tag in labels] == [("Person", 1), ("People", 2)]
    (face,) = OPERATIONS["detect_faces"].read(examples["DetectFaces"][0]["output"])
    assert (face.name, face.confidence, face.details["orientation_correction"]) == (
        "Face",
        100.0,
        "ROTATE_0",
    )
    assert face.details["pose"]["Yaw"] == pytest.approx(13.69, abs=0.01)
    assert_tags([*labels, face])


def test_motos_answers() -> None:
    with mock_aws():
        client = boto3.client("rekognition", region_name="us-east-1")
        image = {"S3Object": {"Bucket": "any", "Name": "any"}}
        labels, text = client.detect_labels(Image=image), client.detect_text(Image=image)
    assert_tags(read_all([("detect_labels", labels), ("detect_text", text)]))
    assert len(OPERATIONS["detect_labels"].read(labels)) == len(labels["Labels"]) > 0
    kinds = [tag.kind for tag in OPERATIONS["detect_text"].read(text)]
    assert kinds == [detection["Type"].lower() for detection in text["TextDetections"]]
    assert "word" in kinds


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_the_stand_ins_answers_fit_the_model(name: str) -> None:
    api = operation(name).name
    requests = ({}, {"Features": ["GENERAL_LABELS", "IMAGE_PROPERTIES"]}, {"Attributes": ["ALL"]})
    for number in range(30):
        for request in requests:
            answer = rekognition_answers.answer(api, str(number), request)
            assert_response(name, answer)
            assert_tags(OPERATIONS[name].read(answer))
