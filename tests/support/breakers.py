"""For every expectation, what breaks it: one change to a run's tables that are otherwise good."""

from copy import copy
from functools import cache

import pyarrow as pa

from tests.support.staged import Staged, image_id_of

NOWHERE = "0" * 64
LAST = {"rows": 30, "links": 30, "images": 26, "tags_mean": 5.65, "tags_sd": 0.96}
LAST |= {
    "kinds": {"label": 92, "word": 52, "celebrity": 3},
    "labels": {"Cat": 23, "Animal": 23, "Pet": 23},
}


def in_first_row(value):
    """Put a value into a column's first row."""
    return lambda number, old: value if number == 0 else old


def put_into_row_with(table, column, wanted, value):
    """Put a value into a column of the first row that has `wanted` in another one."""

    def put_value(staged, target):
        at = staged.tables[table][column].to_pylist().index(wanted)
        staged.change(table, target, lambda number, old: value if number == at else old)

    return put_value


def keep_rows(table, rows):
    """Keep the rows that a function of the row (as a dict) holds for."""

    def cut(staged):
        kept = [bool(rows(row)) for row in staged.tables[table].to_pylist()]
        staged.tables[table] = staged.tables[table].filter(pa.array(kept))

    return cut


def repeat_first_row(table):
    """Have the first row once more."""

    def repeat(staged):
        staged.tables[table] = pa.concat_tables(
            [staged.tables[table], staged.tables[table].slice(0, 1)]
        )

    return repeat


def drop_column(table, column):
    def cut(staged):
        staged.tables[table] = staged.tables[table].drop_columns(column)

    return cut


def put_value(table, column, value):
    return lambda staged: staged.change(table, column, in_first_row(value))


def put_where(table, column, value, other, wanted):
    return lambda staged: put_into_row_with(table, other, wanted, value)(staged, column)


def one_image_without_tags(staged):
    keep_rows("tags_long", lambda row: row["image_id"] != image_id_of(2))(staged)


def of_all_tags(table):
    """What breaks an expectation that `tags_long` and `tags_dropped` share."""
    columns = {
        "image_id": "its image",
        "kind": "a kind",
        "rank": "a rank",
        "name": "a name",
        "confidence": "a confidence",
    }
    cases = {
        f"Every tag has {words}.": put_value(table, column, None)
        for column, words in columns.items()
    }
    sides = {
        f"The {side} of a box is between 0 and 1.": put_value(table, side, 1.5)
        for side in ("left", "top", "width", "height")
    }
    return {
        **cases,
        **sides,
        "The table has exactly the columns, types and order of its contract.": drop_column(
            table, "categories"
        ),
        "Every tag names its analyzer.": put_value(table, "analyzer", None),
        "Every tag's image is in images.": put_value(table, "image_id", NOWHERE),
        "A kind is one of the closed list.": put_value(table, "kind", "colour"),
        "A confidence is between 0 and 100.": put_value(table, "confidence", 100.5),
        "A box has all four numbers or none, and is inside its picture.": put_value(
            table, "height", None
        ),
        "A count of instances is not negative.": put_value(table, "instances", -1),
        "A name is not empty.": put_value(table, "name", ""),
        "Details are a whole JSON object.": put_value(table, "details", '{"half": '),
        "No tag belongs to a pending image: no image is published half read.": put_where(
            "images", "status", "pending", "row", 5
        ),
        "An analyzer is one of the closed list.": put_value(table, "analyzer", "someone"),
    }


# What breaks each expectation, by its sentence. A breaker changes one thing in a run's tables that
# are otherwise good, or is a dict of other arguments for Staged: thresholds, or the last version's
# profile.
BREAKERS = {
    "images": {
        "The table has exactly the columns, types and order of its contract.": drop_column(
            "images", "height"
        ),
        "Every row has the number of its source row.": put_value("images", "row", None),
        "Source row and position identify one link.": repeat_first_row("images"),
        "Every source row is present, and no other row.": keep_rows(
            "images", lambda row: row["row"] != 10
        ),
        "Every link found in the source is present, at its position in the cell.": put_where(
            "images", "position", 1, "row", 2
        ),
        "Every link has a status.": put_value("images", "status", None),
        "A status is one of the closed list.": put_value("images", "status", "maybe"),
        "A reason is one of the closed list.": put_value("images", "reason", "because"),
        "A rejected or pending link has a reason of that status; any other has none.": put_where(
            "images", "reason", "timeout", "status", "rejected"
        ),
        "A row with a link has its URL.": put_where("images", "url", None, "status", "rejected"),
        "A row with a link has its position.": put_where(
            "images", "position", None, "status", "tagged"
        ),
        "A row without a link has no URL.": put_value("images", "url", "http://x/"),
        "A row without a link has no image.": put_value("images", "image_id", NOWHERE),
        "An image is named by the sha256 of its bytes.": put_where(
            "images", "image_id", "cat.jpg", "status", "tagged"
        ),
        "A tagged link has an image.": put_where("images", "image_id", None, "status", "tagged"),
        "A tagged link has the address of its picture.": put_where(
            "images", "object", None, "status", "tagged"
        ),
        "All links to one picture agree about it.": put_where("images", "width", 321, "row", 29),
        "A picture has at least 1 byte.": put_where("images", "bytes", 0, "status", "tagged"),
        "A picture has at least 1 pixel across.": put_where(
            "images", "width", 0, "status", "tagged"
        ),
        "A picture has at least 1 pixel down.": put_where(
            "images", "height", -1, "status", "tagged"
        ),
        "Something is tagged, if there are links.": lambda staged: staged.change(
            "images", "status", lambda _, old: "rejected" if old == "tagged" else old
        ),
        "Enough of the links are tagged.": {"min_tagged_share": 1.0},
        "Few links are pending.": put_where("images", "status", "pending", "status", "rejected"),
        "Not too many links are rejected.": {"max_rejected_share": 0.0},
        "Few images have no tag at all.": [{"max_untagged_share": 0.0}, one_image_without_tags],
        "No picture is shared by very many links: hosts show one placeholder for all deleted pictures.": {  # noqa: E501
            "max_links_an_image": 1
        },
        "The source has about as many rows as in the last version.": {
            "last": {**LAST, "rows": 1000}
        },
    },
    "tags_long": {
        **of_all_tags("tags_long"),
        "Image, kind and rank identify one tag.": repeat_first_row("tags_long"),
        "Ranks run from 1 without a gap within image and kind.": put_value("tags_long", "rank", 9),
        "An image with a recognised celebrity keeps no labels, while that rule is on.": put_where(
            "tags_long", "kind", "label", "image_id", image_id_of(5)
        ),
        "Tags kept and tags dropped add up to the tags that were read.": keep_rows(
            "tags_dropped", lambda row: row["kind"] != "line"
        ),
        "An image has about as many tags as in the last version.": {
            "last": {**LAST, "tags_mean": 12.0}
        },
        "Each kind has about the same share of the tags as in the last version.": {
            "last": {**LAST, "kinds": {"celebrity": 150}}
        },
        "The top labels are on about the same share of the images as in the last version.": {
            "last": {**LAST, "labels": {"Dog": 23}}
        },
    },
    "tags_dropped": {
        **of_all_tags("tags_dropped"),
        "Every dropped tag names the rule that removed it.": put_value(
            "tags_dropped", "rule", None
        ),
        "A rule is one of the cleaning rules.": put_value("tags_dropped", "rule", "mood"),
        "A rank is 1 or more.": put_value("tags_dropped", "rank", 0),
        "Image, kind and rank identify one tag that was read.": repeat_first_row("tags_dropped"),
    },
    "rows": {
        "The table has exactly the columns, types and order of its contract.": drop_column(
            "rows", "n_people"
        ),
        "The table has every source row once, in the source's order.": repeat_first_row("rows"),
        "Each row is the unchanged source row, followed by the counts and the worst status of its "
        "links.": put_value("rows", "n_links", 3),
        "The labels are those that tags_long has for the row's pictures.": put_where(
            "rows", "labels", ["Dog"], "row", 3
        ),
        "The celebrities are those that tags_long has for the row's pictures.": put_where(
            "rows", "celebrities", ["Ada Lovelace"], "row", 3
        ),
        "The faces are those that tags_wide counts, and what no picture shows is null.": put_where(
            "rows", "n_faces", 7, "row", 3
        ),
    },
    "tags_wide": {
        "The table has exactly the columns, types and order of its contract.": drop_column(
            "tags_wide", "word_4_confidence"
        ),
        "Every row has its image.": put_value("tags_wide", "image_id", None),
        "There is one row per image.": repeat_first_row("tags_wide"),
        "Every image that a link led to has a row, and no other image has one.": keep_rows(
            "tags_wide", lambda row: row["image_id"] != image_id_of(7)
        ),
        "The table agrees with tags_long, up to its number of columns.": put_value(
            "tags_wide", "label_2", "Dog"
        ),
        "The counts of tags agree with tags_long.": put_value("tags_wide", "n_words", 3),
        "The table has a column for every label, word and celebrity of an image.": put_value(
            "tags_wide", "n_words", 5
        ),
    },
    "tag_effects": {
        "The table has exactly the columns, types and order of its contract.": drop_column(
            "tag_effects", "p_corrected"
        ),
        "Every comparison names its tag.": put_value("tag_effects", "name", None),
        "Every comparison has a difference.": put_value("tag_effects", "difference", None),
        "Every comparison has a probability of superiority.": put_value(
            "tag_effects", "superiority", None
        ),
        "Every comparison has the lower end of its interval.": put_value(
            "tag_effects", "low", None
        ),
        "Every comparison has the upper end of its interval.": put_value(
            "tag_effects", "high", None
        ),
        "A kind is one of the closed list, or any.": put_value("tag_effects", "kind", "mood"),
        "A metric is one that was asked for.": put_value("tag_effects", "metric", "hearts"),
        "Metric, kind and name name one comparison.": repeat_first_row("tag_effects"),
        "Enough pictures have the tag.": put_value("tag_effects", "with_images", 2),
        "Enough pictures lack the tag.": put_value("tag_effects", "without_images", 0),
        "A p-value is between 0 and 1.": put_value("tag_effects", "p_value", 1.1),
        "A corrected p-value is between 0 and 1.": put_value("tag_effects", "p_corrected", -0.1),
        "A probability of superiority is between 0 and 1.": put_value(
            "tag_effects", "superiority", 1.5
        ),
        "An interval starts at or below its estimate.": put_value("tag_effects", "low", 1e9),
        "An interval ends at or above its estimate.": put_value("tag_effects", "high", -1e9),
    },
    "tagged": {
        "The table has exactly the columns, types and order of its contract.": drop_column(
            "tagged", "label_3"
        ),
        "Each row is the unchanged source row, followed by the images and tags_wide columns of its link.": put_value(  # noqa: E501
            "tagged", "likes", 7.5
        ),
    },
}


@cache
def _good():
    return Staged(metrics=("likes",))


def make_broken(breakers):
    arguments = [one for one in breakers if isinstance(one, dict)]
    staged = Staged(metrics=("likes",), **arguments[0]) if arguments else copy(_good())
    staged.tables = dict(staged.tables)
    for breaker in breakers:
        if not isinstance(breaker, dict):
            breaker(staged)
    return staged
