"""Enrolling people from a folder."""

import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from image_tags.tasks.adapters.analyzers.local import faces
from image_tags.tasks.adapters.analyzers.local.gallery import (
    Gallery,
    Person,
    match_confidence,
    open_gallery,
)
from image_tags.tasks.contracts.errors import UsageError
from tests.support.pictures import ASTRONAUT, HOPPER, SKIMAGE


def person(name, *firsts):
    return Person(name, tuple(np.eye(1, 128)[0] * first for first in firsts))


def at(first):
    return np.eye(1, 128)[0] * first


def test_everybody_gets_a_name_and_a_lasting_id(people):
    gallery = open_gallery(str(people))
    assert [found.name for found in gallery.people] == ["Eileen Collins", "Grace Hopper"]
    assert [found.id for found in gallery.people] == ["7e608f917cfc", "b2278a963678"]


def test_the_fingerprint_follows_names_and_photos(people):
    first = open_gallery(str(people)).fingerprint
    assert open_gallery(str(people)).fingerprint == first
    (people / "Grace_Hopper.jpg").rename(people / "Admiral_Hopper.jpg")
    renamed = open_gallery(str(people)).fingerprint
    shutil.copy(ASTRONAUT, people / "Eileen_Collins" / "2.png")
    assert len({first, renamed, open_gallery(str(people)).fingerprint}) == 3


def test_a_photo_is_described_once_on_a_machine(people, monkeypatch):
    before = open_gallery(str(people))
    monkeypatch.setattr(faces, "describe_face", None)
    again = open_gallery(str(people))
    assert [p.vectors[0].tolist() for p in again.people] == [
        p.vectors[0].tolist() for p in before.people
    ]


def test_other_files_are_left_alone(people):
    (people / "README.txt").write_text("who is who")
    (people / ".hidden.jpg").write_bytes(b"no picture")
    (people / "Eileen_Collins" / "notes.md").write_text("a note")
    assert len(open_gallery(str(people)).people) == 2


def test_no_folder_is_nobody():
    assert open_gallery(None).people == ()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda folder: None, "does not exist"),
        (lambda folder: folder.mkdir(), "holds no photo"),
        (
            lambda folder: (folder.mkdir(), (folder / "A.jpg").write_bytes(b"junk")),
            r"A\.jpg.*cannot be read as a picture",
        ),
        (
            lambda folder: (folder.mkdir(), shutil.copy(SKIMAGE / "coffee.png", folder / "B.png")),
            r"No face.*B\.png",
        ),
    ],
)
def test_a_gallery_that_will_not_do_is_one_sentence(tmp_path, make, says):
    make(tmp_path / "people")
    with pytest.raises(UsageError, match=says):
        open_gallery(str(tmp_path / "people"))


def test_of_several_faces_the_largest_is_enrolled(tmp_path):
    with Image.open(HOPPER) as large, Image.open(ASTRONAUT) as small:
        both = Image.new("RGB", (1000, 600), "white")
        both.paste(large, (0, 0))
        both.paste(small.convert("RGB").resize((400, 400)), (560, 100))
    both.save(tmp_path / "Grace_Hopper.png")
    known = open_gallery(str(tmp_path)).people[0].vectors[0]
    found = faces.find_faces(np.asarray(both))
    assert len(found) == 2
    assert np.allclose(known, faces.describe_face(found[0]))


def test_the_nearest_within_the_limit_is_the_match():
    gallery = Gallery("", (person("A", 0.0, 5.0), person("B", 1.0)))
    assert gallery.find_match(at(0.1))[0].name == "A"
    assert gallery.find_match(at(0.9))[0].name == "B"
    assert gallery.find_match(at(4.7))[0].name == "A"
    assert gallery.find_match(at(3.0)) is None
    assert Gallery("", ()).find_match(at(0.0)) is None


@given(st.floats(0, 0.6), st.floats(0, 0.6))
def test_nearer_is_surer(one, other):
    assert 50 <= match_confidence(one) <= 100
    assert (one <= other) or match_confidence(one) <= match_confidence(other)
