"""Matrices of tags, and faces with their details as columns."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_tags import expand_faces, tags_matrix
from image_tags.tasks.contracts.errors import UsageError

LINKS = [
    (0, "a", "tagged"),
    (0, "b", "tagged"),
    (1, "b", "tagged"),
    (2, None, "no_link"),
    (3, "c", "rejected"),
    (4, "d", "tagged"),
    (5, "a", "tagged"),
]
TAGS = [
    ("a", "label", "Cat", 90.0, 3),
    ("a", "label", "Pet", 80.0, 0),
    ("b", "label", "Cat", 95.0, 1),
    ("b", "word", "SALE", 99.0, None),
    ("b", "word", "SALE", 98.0, None),
    ("c", "label", "Dog", 70.0, 1),
]


def tables(links=LINKS, tags=TAGS):
    return {
        "images": pd.DataFrame(links, columns=["row", "image_id", "status"]),
        "tags_long": pd.DataFrame(
            tags, columns=["image_id", "kind", "name", "confidence", "instances"]
        ),
    }


def test_rows_have_the_labels_of_all_their_pictures():
    matrix = tags_matrix(tables(), "label")
    assert matrix.index.tolist() == [0, 1, 4, 5]
    assert matrix.index.name == "row"
    assert matrix.to_dict("list") == {"Cat": [1, 1, 0, 1], "Pet": [1, 0, 0, 1]}


def test_images_are_counted_once_however_many_rows_share_them():
    matrix = tags_matrix(tables(), "label", "image", "count")
    assert matrix.to_dict("index") == {
        "a": {"Cat": 3, "Pet": 1},
        "b": {"Cat": 1, "Pet": 0},
        "d": {"Cat": 0, "Pet": 0},
    }


def test_words_are_counted_and_confidences_are_the_highest():
    assert tags_matrix(tables(), "word", values="count")["SALE"].tolist() == [2, 2, 0, 0]
    assert tags_matrix(tables(), "label", values="confidence")["Cat"].tolist() == [95, 95, 0, 90]


def test_rare_tags_can_be_left_out():
    assert tags_matrix(tables(), "label", min_count=3).columns.tolist() == ["Cat"]
    assert tags_matrix(tables(), "label", min_count=9).shape == (4, 0)


@given(
    st.lists(st.tuples(st.integers(0, 5), st.sampled_from("abc"), st.just("tagged"))),
    st.lists(
        st.tuples(
            st.sampled_from("abcd"),
            st.just("label"),
            st.sampled_from(["Cat", "Dog", "Ant"]),
            st.floats(0, 100),
            st.none() | st.integers(0, 3),
        )
    ),
    st.sampled_from(["row", "image"]),
    st.sampled_from(["binary", "count", "confidence"]),
)
def test_sparse_and_dense_agree_and_say_what_the_tables_say(links, tags, level, values):
    given_tables = tables(links, tags)
    dense, thin = (
        tags_matrix(given_tables, "label", level, values, sparse=sparse) for sparse in (False, True)
    )
    assert dense.equals(thin.sparse.to_dense().astype(dense.dtypes) if dense.size else dense)
    key = 0 if level == "row" else 1
    for line in dense.index:
        images = {image for row, image, _ in links if (row, image)[key] == line}
        for name in dense.columns:
            found = [tag for tag in tags if tag[0] in images and tag[2] == name]
            if values == "binary":
                assert dense.loc[line, name] == bool(found)
            elif values == "confidence":
                assert dense.loc[line, name] == max((tag[3] for tag in found), default=0)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"kind": "labels"}, "kind is one of label, word"),
        ({"level": "link"}, "level is one of row, image"),
        ({"values": "tfidf"}, "values is one of binary"),
    ],
)
def test_a_wrong_choice_is_one_sentence(arguments, sentence):
    with pytest.raises(UsageError, match=sentence):
        tags_matrix(tables(), **arguments)
    with pytest.raises(UsageError, match="needs the table 'images'"):
        tags_matrix({"tags_long": tables()["tags_long"]})


def test_what_is_known_of_faces_becomes_columns():
    details = {
        "operation": "detect_faces",
        "age_range": {"Low": 20, "High": 28},
        "gender": {"Value": "Female", "Confidence": 99.0},
        "smile": {"Value": True, "Confidence": 95.0},
        "emotions": [
            {"Type": "HAPPY", "Confidence": 90.0},
            {"Type": "CALM", "Confidence": 5.0},
        ],
        "pose": {"Roll": 1.0, "Yaw": -2.0, "Pitch": 3.0},
        "quality": {"Brightness": 50.0, "Sharpness": 80.0},
        "landmarks": [{"Type": "nose", "X": 0.5, "Y": 0.5}],
    }
    box = {"left": 0.1, "top": 0.2, "width": 0.3, "height": 0.4}
    rows = [
        {"image_id": "a", "kind": "face", "rank": 1, "confidence": 99.0, **box,
         "details": json.dumps(details)},
        {"image_id": "a", "kind": "face", "rank": 2, "confidence": 80.0, **box, "details": None},
        {"image_id": "a", "kind": "label", "rank": 1, "confidence": 80.0, "details": None},
    ]  # fmt: skip
    faces = expand_faces(pd.DataFrame(rows))
    assert len(faces) == 2
    first = faces.iloc[0].to_dict()
    expected = {
        "age_low": 20, "age_high": 28, "gender": "Female", "gender_confidence": 99.0,
        "smile": True, "emotion": "happy", "emotion_happy": 90.0, "emotion_calm": 5.0,
        "pose_yaw": -2.0, "brightness": 50.0, "sharpness": 80.0, "left": 0.1,
    }  # fmt: skip
    assert {name: first[name] for name in expected} == expected
    assert np.isnan(faces.loc[1, "age_low"])
    assert expand_faces(pd.DataFrame(rows).iloc[2:]).empty
