"""One picture of the gallery: its tags, its boxes and the source row that it comes from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from markupsafe import escape

from image_tags.tasks.adapters.files.table_files import take_rows
from image_tags.tasks.contracts.display import NAME, href, link_text, shown
from image_tags.tasks.contracts.reasons import Status
from image_tags.tasks.report.boxes import Box, has_several_instances, parse_details, place_boxes
from image_tags.tasks.report.pictures import Thumb
from image_tags.tasks.report.view import ReportInput, to_records

MOST_TAGS = 40
"""Tags listed on a card at most."""

CELL = 120
"""Characters of a cell of the source that a card shows."""

MOST_CELLS = 6
"""Cells of the source row on a card at most."""

SIDE = 260
"""The longer side of a card's drawing area, so that text in it has about the same size on every
picture.
"""

ORDER = ("celebrity", "label", "word", "line", "face", "moderation")
"""The order of kinds on a card."""


@dataclass(frozen=True)
class CardTag:
    """A tag as a card lists it; `flag` names what the label may be confused with, if anything."""

    name: str
    confidence: float
    flag: str


@dataclass(frozen=True)
class Card:
    """One picture.

    `width` and `height` are those of the drawing area, `row` is the first row with a link to it,
    `links` is how many links lead to it; `left` is why it is not tagged, empty if it is.
    """

    image_id: str
    thumb: Thumb
    width: float
    height: float
    title: str
    url: str
    row: int
    links: int
    left: str
    kinds: list[str]
    tags: dict[str, list[CardTag]]
    faces: int
    more: int
    boxes: list[Box]
    cells: dict[str, str]

    @property
    def size(self) -> int:
        """About how many characters the card takes in the page, without its thumbnail."""
        tags = [tag for listed in self.tags.values() for tag in listed]
        texts = [
            self.title,
            link_text(self.url),
            href(self.url) or "",
            *self.cells,
            *self.cells.values(),
        ]
        texts += [text for tag in tags for text in (tag.name, tag.name, tag.flag)] + [
            box.name for box in self.boxes
        ]
        return (
            sum(len(escape(text)) for text in texts)
            + 1_300
            + 120 * len(tags)
            + 210 * len(self.boxes)
        )


def make_card(
    picture: Mapping[str, Any], tags: pd.DataFrame, thumb: Thumb, cells: dict[str, str]
) -> Card:
    """Make the card of one picture (a record of `list_pictures`) from its rows of `tags_long`."""
    scale = SIDE / max(thumb.width, thumb.height)
    width, height = round(thumb.width * scale, 1), round(thumb.height * scale, 1)
    place = {kind: number for number, kind in enumerate(ORDER)}
    ordered = sorted(to_records(tags), key=lambda tag: (place[tag["kind"]], tag["rank"]))
    listed: dict[str, list[CardTag]] = {}
    for tag in ordered[:MOST_TAGS]:
        listed.setdefault(tag["kind"], []).append(_list_tag(tag))
    return Card(
        image_id=picture["image_id"],
        thumb=thumb,
        width=width,
        height=height,
        title=", ".join(tag.name for kind in ORDER for tag in listed.get(kind, [])[:3]) or "no tag",
        url=picture["url"],
        row=int(picture["row"]),
        links=int(picture["links"]),
        left=""
        if picture["status"] == Status.TAGGED
        else f"{picture['status']}: {picture['reason']}",
        kinds=sorted({tag["kind"] for tag in ordered}),
        tags=listed,
        faces=sum(tag["kind"] == "face" for tag in ordered),
        more=max(0, len(ordered) - MOST_TAGS),
        boxes=place_boxes(ordered, width, height),
        cells=cells,
    )


def read_source_cells(
    view: ReportInput, at: Sequence[int], urls: Sequence[str]
) -> list[dict[str, str]]:
    """Read some cells of the source for each place in `images`, without the link itself.

    `images` and `tagged` have the same rows in the same order.
    """
    if not {"tagged", "images", "tags_wide"} <= set(view.tables):
        return [{} for _ in at]
    tagged = view.tables["tagged"]
    ours = len(view.tables["images"].column_names) + len(view.tables["tags_wide"].column_names) - 1
    own = tagged.column_names[: len(tagged.column_names) - ours]
    rows = take_rows(tagged, own, at).to_pylist()
    return [
        dict(
            [
                (shown(name, NAME), shown(str(value), CELL))
                for name, value in row.items()
                if value not in (None, "", url)
            ][:MOST_CELLS]
        )
        for row, url in zip(rows, urls, strict=True)
    ]


def _list_tag(tag: Mapping[str, Any]) -> CardTag:
    several = f" \u00d7{int(tag['instances'])}" if has_several_instances(tag) else ""
    return CardTag(
        shown(tag["name"], NAME) + several,
        tag["confidence"],
        shown(str(parse_details(tag).get("flag", ""))),
    )
