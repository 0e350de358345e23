"""The gallery: cards for pictures with a thumbnail, short rows for the others, both searchable."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from markupsafe import Markup

from tasks.report.cards import Card, make_card, source_cells
from tasks.report.pictures import Thumb
from tasks.report.text import link_text, shown
from tasks.report.view import ReportInput, records

ROW_TAGS = 14
"""Tags listed for a picture without a thumbnail."""

ROWS_BUDGET = 1_700_000
"""Characters that the rows without a thumbnail may take in the page."""

TAG_COLUMNS = ("image_id", "kind", "rank", "name", "confidence", "left", "top", "width", "height", "instances", "details")


@dataclass(frozen=True)
class Gallery:
    """The cards, the rows as JSON safe inside a script element, how many those are, and how many pictures in all."""

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

    Columns: `image_id`, the first `row` and `url` that lead to it, `at` (its place in `images`), `links` (how many do).
    """
    images = view.frame("images", "image_id", "row", "position", "url")
    images["at"] = range(len(images))
    found = images[images["image_id"].notna()]
    counts = found.groupby("image_id").size().rename("links")
    first = found.sort_values(["row", "position"], kind="stable").drop_duplicates("image_id")
    return first[["image_id", "row", "url", "at"]].merge(counts, on="image_id", how="left")


def make_gallery(view: ReportInput, pictures: pd.DataFrame, thumbs: Mapping[str, Thumb]) -> Gallery:
    """Cards for the pictures that have a thumbnail; of the others as many rows as the budget allows."""
    seen = pictures["image_id"].isin(set(thumbs))
    tags = view.frame("tags_long", *TAG_COLUMNS)
    of_card = {str(image_id): own for image_id, own in tags[tags["image_id"].isin(set(thumbs))].groupby("image_id")}
    carded = records(pictures[seen])
    cells = source_cells(view, [int(p["at"]) for p in carded], [p["url"] for p in carded])
    cards = [
        make_card(picture, of_card.get(picture["image_id"], tags.iloc[:0]), thumbs[picture["image_id"]], own)
        for picture, own in zip(carded, cells, strict=True)
    ]
    rows, listed = _rows(pictures[~seen], tags)
    return Gallery(cards, rows, listed, len(pictures))


def script_json(value: Any) -> Markup:
    """JSON that cannot leave a script element, whatever is in it."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))  # noqa: S704 - escaped here


def _rows(pictures: pd.DataFrame, tags: pd.DataFrame) -> tuple[Markup, int]:
    """Rows of [row number, link, kinds, indices into the list of names], as much as fits the budget."""
    some = tags[tags["image_id"].isin(set(pictures["image_id"]))].sort_values(["image_id", "kind", "rank"])
    kinds = some.groupby("image_id")["kind"].agg(lambda kinds: sorted(set(kinds))).to_dict()
    listed = some.groupby("image_id")["name"].agg(list).to_dict()
    names: dict[str, int] = {}
    rows: list[tuple[int, str, str, list[int]]] = []
    left = ROWS_BUDGET
    for picture in records(pictures):
        image_id = picture["image_id"]
        mine = [shown(name, 60) for name in listed.get(image_id, [])[:ROW_TAGS]]
        row = (int(picture["row"]), link_text(picture["url"], 60), " ".join(kinds.get(image_id, [])))
        # Escaping for the script element can make six characters of one.
        left -= len(script_json([row, [name for name in mine if name not in names]])) + 6 * len(mine)
        if left < 0:
            break
        rows.append((*row, [names.setdefault(name, len(names)) for name in mine]))
    return script_json({"names": list(names), "rows": rows}), len(rows)
