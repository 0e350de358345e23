"""The boxes that are drawn on a picture of the gallery, and where their names are written."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from image_tags.tasks.contracts.display import shown
from image_tags.tasks.contracts.response_fields import as_list, box_of, clip_box

MOST_BOXES = 60
"""Boxes drawn on a picture at most."""

MOST_NAMED_WORDS = 12
"""Up to this many word boxes also show their word; more would hide the picture."""

NAME_ON_BOX = 30
"""Characters written into a box at most."""

LETTER, LINE = 6.5, 12
"""About the width of a letter and the height of a line of a name, in units of the drawing area."""

TEXT = ("word", "line")
"""The kinds that are read."""

SIDES = ("left", "top", "width", "height")
"""A box's columns in `tags_long`."""


@dataclass(frozen=True)
class Box:
    """A tag's place on the picture, in units of the drawing area.

    `name` is empty where a caption would clutter the picture; `name_y` is its baseline.
    """

    kind: str
    name: str
    x: float
    y: float
    width: float
    height: float
    name_y: float


def place_boxes(tags: Sequence[Mapping[str, Any]], width: float, height: float) -> list[Box]:
    """Choose the boxes to draw: every instance of a label, the one place of any other tag.

    Lines are drawn only where there are no words. Tags in the same place share a box with all
    their names, and no name is written over another.
    """
    words = any(tag["kind"] == "word" for tag in tags)
    placed = [
        (tag, place)
        for tag in tags
        if not (words and tag["kind"] == "line")
        for place in _find_places(tag)
    ]
    crowded = sum(tag["kind"] in TEXT for tag, _ in placed) > MOST_NAMED_WORDS
    boxes: dict[tuple[float, ...], tuple[str, list[str]]] = {}
    for tag, place in placed:
        sides = tuple(
            round(side * whole, 1) for side, whole in zip(place, (width, height) * 2, strict=True)
        )
        _, names = boxes.setdefault(sides, (tag["kind"], []))
        # A face without a name is recognisable by its colour.
        if tag["kind"] != "face" and not (crowded and tag["kind"] in TEXT):
            names.append(tag["name"])
    taken: list[tuple[float, float, float]] = []
    drawn = []
    for (x, y, wide, high), (kind, names) in list(boxes.items())[:MOST_BOXES]:
        name = shown(", ".join(names), NAME_ON_BOX)
        right = x + LETTER * len(name)
        name_y = _find_free_line(taken, x, right, y + LINE, height) if name else None
        if name_y is None:
            drawn.append(Box(kind, "", x, y, wide, high, y))
            continue
        taken.append((x, right, name_y))
        drawn.append(Box(kind, name, x, y, wide, high, name_y))
    return drawn


def _find_free_line(
    taken: Sequence[tuple[float, float, float]],
    left: float,
    right: float,
    baseline: float,
    height: float,
) -> float | None:
    """Find the baseline nearest to this one, below first, where a name hides no other name.

    `taken` are the left and right ends and the baselines of the names that are there; None if there
    is no room within the height.
    """
    lowest = max(height, LINE)
    start = min(max(baseline, LINE), lowest)
    below = [start + LINE * n for n in range(1 + int((lowest - start) / LINE))]
    above = [start - LINE * n for n in range(1, int(start / LINE))]
    for line in (*below, *above):
        if all(
            right <= other_left or other_right <= left or abs(line - other) >= LINE
            for other_left, other_right, other in taken
        ):
            return line
    return None


def _find_places(tag: Mapping[str, Any]) -> list[tuple[float, ...]]:
    """Left, top, width and height (0-1) of each place where the tag is."""
    first = tuple(tag[side] for side in SIDES)
    if any(pd.isna(side) for side in first):
        return []
    boxes = (
        [box_of(instance) for instance in as_list(parse_details(tag), "instances")]
        if has_several_instances(tag)
        else []
    )
    return [tuple(clip_box(box)[side] for side in SIDES) for box in boxes if box] or [first]


def has_several_instances(tag: Mapping[str, Any]) -> bool:
    """Whether the tag is in several places."""
    return bool((tag["instances"] or 0) > 1)


def parse_details(tag: Mapping[str, Any]) -> dict[str, Any]:
    """Parse the column `details`; empty if there are none."""
    details: dict[str, Any] = json.loads(tag["details"]) if isinstance(tag["details"], str) else {}
    return details
