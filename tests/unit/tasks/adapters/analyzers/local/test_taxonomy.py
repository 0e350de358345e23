"""The taxonomy is complete, and no label is surer than what it is a kind of."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from image_tags.tasks.adapters.analyzers.local.classifier import Classification
from image_tags.tasks.adapters.analyzers.local.label_answers import build_labels
from image_tags.tasks.adapters.analyzers.local.taxonomy import CLASSES, load_taxonomy
from image_tags.tasks.contracts.settings import AnalysisSettings

LABELS = {label.name: label for label in load_taxonomy().labels}

CATEGORIES = {  # of Rekognition's own, those in use
    "Animals and Pets",
    "Apparel and Accessories",
    "Beauty and Personal Care",
    "Buildings and Architecture",
    "Education",
    "Events and Attractions",
    "Food and Beverage",
    "Furniture and Furnishings",
    "Hobbies and Interests",
    "Home Appliances",
    "Home and Indoors",
    "Kitchen and Dining",
    "Medical",
    "Nature and Outdoors",
    "Offices and Workspaces",
    "Performing Arts",
    "Person Description",
    "Plants and Flowers",
    "Sports",
    "Technology and Computing",
    "Text and Documents",
    "Tools and Machinery",
    "Toys and Gaming",
    "Transport and Logistics",
    "Travel and Adventure",
    "Vehicles and Automotive",
    "Weapons and Military",
}


def test_every_class_belongs_to_exactly_one_label():
    assert sorted(number for label in LABELS.values() for number in label.classes) == list(
        range(CLASSES)
    )


def test_no_name_comes_twice():
    names = [label.name for label in load_taxonomy().labels]
    assert len({name.lower() for name in names}) == len(names)


def test_every_parent_is_a_label_and_none_is_its_own_ancestor():
    for label in LABELS.values():
        assert set(label.parents) <= set(LABELS)
        assert label.name not in label.ancestors
        assert len(set(label.ancestors)) == len(label.ancestors)
        assert set(label.ancestors) == set(label.parents) | {
            a for p in label.parents for a in LABELS[p].ancestors
        }


def test_every_label_can_be_found():
    known = load_taxonomy()
    empty = [label.name for label in known.labels if not len(known.list_classes(label))]
    assert empty == ["Face"], "which only a found face gives"


def test_a_label_sums_its_classes_and_those_of_all_below_it():
    known, values = load_taxonomy(), np.random.default_rng(0).dirichlet(np.ones(CLASSES))
    sums = known.sum_probabilities(values)
    for name, above in known.place.items():
        below = [label for label in known.labels if name in (label.name, *label.ancestors)]
        classes = sorted({number for label in below for number in label.classes})
        assert sums[above] == pytest.approx(values[classes].sum(), abs=1e-12)
        assert known.list_classes(LABELS[name]).tolist() == classes


def test_names_and_categories_are_in_rekognitions_manner():
    small = {"and", "of", "the", "des"}
    for label in LABELS.values():
        assert label.category in CATEGORIES
        assert label.name == " ".join(label.name.split())
        assert all(
            word in small or word == "iPod" or word[0].isupper() or word[0].isdigit()
            for word in label.name.split()
        )


@pytest.mark.parametrize(
    ("number", "name", "ancestors"),
    [
        (284, "Siamese Cat", ("Cat", "Feline", "Pet", "Mammal", "Animal")),
        (285, "Cat", ("Feline", "Pet", "Mammal", "Animal")),
        (207, "Golden Retriever", ("Retriever", "Dog", "Canine", "Pet", "Mammal", "Animal")),
        (817, "Sports Car", ("Car", "Vehicle", "Transportation")),
        (967, "Espresso", ("Coffee Cup", "Coffee", "Cup", "Beverage", "Kitchenware")),
        (963, "Pizza", ("Meal", "Food")),
        (657, "Rocket", ("Vehicle", "Transportation")),
    ],
)
def test_paths_read_as_people_would_say(number, name, ancestors):
    (label,) = [label for label in LABELS.values() if number in label.classes]
    assert label.name == name
    assert label.ancestors == ancestors


PROBABILITIES = arrays.arrays(
    np.float64, CLASSES, elements=st.floats(0, 1), fill=st.just(0.0)
).filter(np.any)


@given(PROBABILITIES)
def test_a_parent_is_never_less_sure_than_its_child(values):
    seen = Classification(values / values.sum(), np.zeros((CLASSES, 9, 9), np.float32))
    settings = AnalysisSettings(label_confidence=0.0, max_labels=1000)
    found = build_labels(seen, [], settings)["Labels"]
    confidence = {label["Name"]: label["Confidence"] for label in found}
    assert list(confidence.values()) == sorted(confidence.values(), reverse=True)
    for name, value in confidence.items():
        assert 0 <= value <= 100
        for ancestor in LABELS[name].ancestors:
            assert confidence[ancestor] >= value
