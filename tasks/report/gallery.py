"""The gallery: cards for pictures with a thumbnail, short rows for the others, both searchable."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from markupsafe import Markup

from image_tags.tasks.contracts.display import NAME, link_text, shown
from image_tags.tasks.contracts.reasons import Status
from image_tags.tasks.report.cards import Card, make_card, source_cells
from image_tags.tasks.report.pictures import Thumb
from image_tags.tasks.report.view import ReportInput, records

CARDS_BUDGET = 1_100_000
"""Characters that all cards may take in the page, besides their thumbnails."""

ROWS_BUDGET = 1_100_000
"""Characters that the rows without a thumbnail may take in the page."""

MOST_ROWS = 20_000
"""Pictures without a thumbnail that are looked at for a row at most."""

ROW_TAGS = 14
"""Tags listed for a picture without a thumbnail."""

TAG_COLUMNS = (
    "image_id",
    "kind",
    "rank",
    "name",
    "confidence",
    "left",
    "top",
    "width",
    "height",
    "instances",
    "details",
)


@dataclass(frozen=True)
class Gallery:
    """The cards, the rows as JSON safe inside a script element, how many those are, and how many
    pictures in all.
    """

    cards: list[Card]
    rows: Markup
    listed: int
    images: int

    @property
    def box_kinds(self) -> set[str]:
        """The kinds that have a box on some card."""
        return {box.kind for card in self.cards for box in card.boxes}


def pictures_of(view: ReportInput) -> pd.DataFrame:
    """One line an image, in the source's order.

    Columns: `image_id`, the first `row` and `url` that lead to it, `at` (its place in `images`),
    `links` (how many do), `status` and `reason`.
    """
    images = view.frame("images", "image_id", "row", "position", "url", "status", "reason")
    images["at"] = range(len(images))
    found = images[images["image_id"].notna()]
    counts = found.groupby("image_id").size().rename("links")
    first = found.sort_values(["row", "position"], kind="stable").drop_duplicates("image_id")
    return first[["image_id", "row", "url", "at", "status", "reason"]].merge(
        counts, on="image_id", how="left"
    )


def make_gallery(view: ReportInput, pictures: pd.DataFrame, thumbs: Mapping[str, Thumb]) -> Gallery:
    """Cards for the pictures that have a thumbnail; of the others as many rows as the budget
    allows.
    """
    cards = _cards(view, pictures[pictures["image_id"].isin(list(thumbs))], thumbs)
    others = pictures[~pictures["image_id"].isin([card.image_id for card in cards])]
    rows = _rows(view, others.head(MOST_ROWS))
    return Gallery(
        cards, script_json({"names": rows[1], "rows": rows[0]}), len(rows[0]), len(pictures)
    )


def striking(cards: Sequence[Card], limit: int) -> list[Card]:
    """Some cards for the head of the page, in their order: those with people, then those with the
    most kinds of tags.
    """
    best = sorted(
        range(len(cards)),
        key=lambda at: ("celebrity" not in cards[at].kinds, -len(cards[at].kinds), at),
    )
    return [cards[at] for at in sorted(best[:limit])]


def script_json(value: Any) -> Markup:
    """JSON that cannot leave a script element, whatever is in it."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))  # noqa: S704 - escaped here


def _cards(view: ReportInput, pictures: pd.DataFrame, thumbs: Mapping[str, Thumb]) -> list[Card]:
    tags = _tags_of(view, pictures, TAG_COLUMNS)
    own = {str(image_id): rows for image_id, rows in tags.groupby("image_id")}
    cells = source_cells(view, list(pictures["at"]), list(pictures["url"]))
    cards: list[Card] = []
    left = CARDS_BUDGET
    for picture, cell in zip(records(pictures), cells, strict=True):
        image_id = picture["image_id"]
        card = make_card(picture, own.get(image_id, tags.iloc[:0]), thumbs[image_id], cell)
        left -= card.size
        if left < 0:
            break
        cards.append(card)
    return cards


def _rows(view: ReportInput, pictures: pd.DataFrame) -> tuple[list[list[object]], list[str]]:
    """Rows of [row number, link, what the filter knows, indices of names], and those names; as much
    as fits the budget.
    """
    tags = _tags_of(view, pictures, ("image_id", "kind", "rank", "name")).sort_values(
        ["image_id", "kind", "rank"]
    )
    kinds = (
        tags.groupby("image_id")["kind"].agg(lambda kinds: " ".join(sorted(set(kinds)))).to_dict()
    )
    listed = tags.groupby("image_id")["name"].agg(list).to_dict()
    names: dict[str, int] = {}
    rows: list[list[object]] = []
    left = ROWS_BUDGET
    for picture in records(pictures):
        image_id = picture["image_id"]
        mine = [shown(name, NAME) for name in listed.get(image_id, [])[:ROW_TAGS]]
        found = kinds.get(image_id, "none") if picture["status"] == Status.TAGGED else "left"
        shared = " shared" if picture["links"] > 1 else ""
        row: list[object] = [int(picture["row"]), link_text(picture["url"], 60), found + shared]
        left -= len(script_json([row, [name for name in mine if name not in names]])) + 7 * len(
            mine
        )
        if left < 0:
            break
        rows.append([*row, [names.setdefault(name, len(names)) for name in mine]])
    return rows, list(names)


def _tags_of(view: ReportInput, pictures: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    tags = view.table("tags_long", *columns)
    wanted = pa.array(pictures["image_id"], pa.string())
    frame: pd.DataFrame = tags.filter(pc.is_in(tags["image_id"], wanted)).to_pandas()
    return frame
