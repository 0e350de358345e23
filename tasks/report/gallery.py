"""The gallery: cards for pictures with a thumbnail, short rows for the others, both searchable."""

import base64
import gzip
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from markupsafe import Markup

from image_tags.tasks.adapters.files.table_files import iterate_groups
from image_tags.tasks.contracts.display import NAME, link_text, shown
from image_tags.tasks.contracts.reasons import Status
from image_tags.tasks.report.cards import Card, make_card, read_source_cells
from image_tags.tasks.report.pictures import Thumb
from image_tags.tasks.report.view import ReportInput, to_records

CARDS_BUDGET = 1_100_000
"""Characters that all cards may take in the page, besides their thumbnails."""

ROWS_BUDGET = 1_400_000
"""Characters that the compressed rows without a thumbnail may take in the page."""

MOST_ROWS = 60_000
"""Pictures without a thumbnail that are looked at for a row at most: more never fit the budget."""

ROW_TAGS = 60
"""Tags by which a picture without a thumbnail is found; the list shows the first of them."""

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
    """What the gallery shows.

    Attributes:
        cards: pictures with a thumbnail.
        rows: the other pictures, as `pack_rows` packs them.
        listed: how many those are.
        images: how many pictures the version has.
    """

    cards: list[Card]
    rows: Markup
    listed: int
    images: int

    @property
    def box_kinds(self) -> set[str]:
        """The kinds that have a box on some card."""
        return {box.kind for card in self.cards for box in card.boxes}


def list_pictures(view: ReportInput) -> pd.DataFrame:
    """List one line per image, in the source's order.

    Columns: `image_id`, the first `row` and `url` that lead to it, `at` (its place in `images`),
    `links` (how many do), `status` and `reason`.
    """
    images = view.select_frame("images", "image_id", "row", "position", "url", "status", "reason")
    images["at"] = range(len(images))
    found = images[images["image_id"].notna()]
    counts = found.groupby("image_id").size().rename("links")
    first = found.sort_values(["row", "position"], kind="stable").drop_duplicates("image_id")
    return first[["image_id", "row", "url", "at", "status", "reason"]].merge(
        counts, on="image_id", how="left"
    )


def make_gallery(view: ReportInput, pictures: pd.DataFrame, thumbs: Mapping[str, Thumb]) -> Gallery:
    """Make cards for pictures with a thumbnail, and rows for the others, within the budget."""
    cards = _make_cards(view, pictures[pictures["image_id"].isin(list(thumbs))], thumbs)
    others = pictures[~pictures["image_id"].isin([card.image_id for card in cards])]
    rows = _make_rows(view, others.head(MOST_ROWS))
    packed, listed = pack_rows(*rows)
    return Gallery(cards, packed, listed, len(pictures))


def pick_striking(cards: Sequence[Card], limit: int) -> list[Card]:
    """Pick cards for the head of the page: with people first, then with the most kinds of tags."""
    best = sorted(
        range(len(cards)),
        key=lambda at: ("celebrity" not in cards[at].kinds, -len(cards[at].kinds), at),
    )
    return [cards[at] for at in sorted(best[:limit])]


def pack_rows(rows: Sequence[Sequence[object]], names: Sequence[str]) -> tuple[Markup, int]:
    """Compress rows and names for the page, leaving out the last rows if they are too many.

    Returns:
        base64 of gzip of JSON, and how many rows are in it. The browser unpacks it by itself
        (DecompressionStream); 20,000 pictures take about a third of the budget.
    """
    kept = len(rows)
    while True:
        text = json.dumps({"names": names, "rows": rows[:kept]}, separators=(",", ":"))
        packed = base64.b64encode(gzip.compress(text.encode(), 6, mtime=0)).decode()
        if len(packed) <= ROWS_BUDGET:
            return Markup(packed), kept  # noqa: S704 - base64 is no markup
        kept = min(kept - 1, int(kept * 0.95 * ROWS_BUDGET / len(packed)))


def _make_cards(
    view: ReportInput, pictures: pd.DataFrame, thumbs: Mapping[str, Thumb]
) -> list[Card]:
    tags = _select_tags(view, pictures, TAG_COLUMNS)
    own = {str(image_id): rows for image_id, rows in tags.groupby("image_id")}
    cells = read_source_cells(view, list(pictures["at"]), list(pictures["url"]))
    cards: list[Card] = []
    left = CARDS_BUDGET
    for picture, cell in zip(to_records(pictures), cells, strict=True):
        image_id = picture["image_id"]
        card = make_card(picture, own.get(image_id, tags.iloc[:0]), thumbs[image_id], cell)
        left -= card.size
        if left < 0:
            break
        cards.append(card)
    return cards


def _make_rows(view: ReportInput, pictures: pd.DataFrame) -> tuple[list[list[object]], list[str]]:
    """Make rows of [row number, link, kinds, indices of names], and those names."""
    kinds, listed = _list_tags(view, set(pictures["image_id"]))
    names: dict[str, int] = {}
    rows: list[list[object]] = []
    for picture in to_records(pictures):
        image_id = picture["image_id"]
        mine = [shown(name, NAME) for name in listed.get(image_id, [])]
        found = kinds.get(image_id, "none") if picture["status"] == Status.TAGGED else "left"
        shared = " shared" if picture["links"] > 1 else ""
        places = [names.setdefault(name, len(names)) for name in mine]
        rows.append([int(picture["row"]), link_text(picture["url"], 60), found + shared, places])
    return rows, list(names)


def _list_tags(
    view: ReportInput, image_ids: Collection[str]
) -> tuple[dict[str, str], dict[str, list[str]]]:
    """The kinds of the tags of each image, as one text, and the first names by kind and rank.

    A part of the table is in memory at a time, and each distinct name once.
    """
    wanted = pa.array(image_ids, pa.string())
    kinds: dict[str, set[str]] = {}
    listed: dict[str, list[str]] = {}
    once: dict[str, str] = {}
    columns = ("image_id", "kind", "rank", "name")
    for part in iterate_groups(view.tables["tags_long"], "image_id", columns):
        tags = part.filter(pc.is_in(part["image_id"], value_set=wanted))
        ordered = tags.sort_by([(name, "ascending") for name in columns[:3]])
        found = (ordered[name].to_pylist() for name in ("image_id", "kind", "name"))
        for image_id, kind, name in zip(*found, strict=True):
            kinds.setdefault(image_id, set()).add(kind)
            names = listed.setdefault(image_id, [])
            if len(names) < ROW_TAGS:
                names.append(once.setdefault(name, name))
    return {image_id: " ".join(sorted(those)) for image_id, those in kinds.items()}, listed


def _select_tags(view: ReportInput, pictures: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    found = view.find_rows("tags_long", columns, "image_id", pictures["image_id"])
    frame: pd.DataFrame = found.to_pandas()
    return frame
