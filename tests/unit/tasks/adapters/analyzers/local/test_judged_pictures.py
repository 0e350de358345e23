"""The judged pictures that thresholds and figures come from."""

import csv
from collections import Counter

from benchmarks.judged_pictures import TABLE, is_held_out, load_judged
from benchmarks.label_precision import answer_labels, tally_labels
from image_tags.tasks.adapters.analyzers.local.taxonomy import load_taxonomy

with TABLE.open(encoding="utf-8", newline="") as file:
    ROWS = list(csv.DictReader(file))

UNKNOWN = {
    *("Alpaca", "Blackboard", "Calf", "Caterpillar", "Cow", "Dolphin", "Fork", "Giraffe"),
    *("Hedgehog", "Ibis Bird", "Kangaroo", "Measuring Tool", "Moose", "Mouse", "Owl", "Plate"),
    *("Pliers", "Raspberry", "Rhinoceros", "Saucer", "Scissors", "Solar Dish", "Solar Panel"),
    *("Space", "Statue", "Stringed Instrument", "Stroller", "Swan", "Wall", "Windmill", "Wrench"),
}
"""What some show and the taxonomy has no label for."""


def test_there_are_enough_and_each_is_there_once():
    assert len(ROWS) >= 60
    assert max(Counter(row["sha256"] for row in ROWS).values()) == 1


def test_both_halves_are_large_and_two_renditions_of_a_picture_are_in_one():
    halves = Counter(is_held_out(row["same_as"] or row["sha256"]) for row in ROWS)
    assert min(halves.values()) > 0.4 * len(ROWS)
    known = {row["sha256"]: row for row in ROWS}
    for row in ROWS:
        assert not row["same_as"] or not known[row["same_as"]]["same_as"], "no chains"


def test_boxes_are_within_their_pictures():
    boxes = [[int(side) for side in row["box"].split()] for row in ROWS if row["box"]]
    assert len(boxes) >= 60
    for left, top, right, bottom in boxes:
        assert 0 <= left < right <= 100
        assert 0 <= top < bottom <= 100


def test_what_the_models_are_sure_of_is_right_on_those_of_installed_packages():
    pictures = load_judged(None)
    tally = tally_labels([(picture, answer_labels(picture)) for picture in pictures], 65)
    assert tally.wrong == []
    assert tally.pictures >= 3, "a cat, a coffee, a tripod"


def test_what_they_show_is_spelt_as_the_analyzer_spells_it():
    words = {word for row in ROWS for word in row["shows"].split("|") if word}
    assert words - set(load_taxonomy().place) == UNKNOWN
