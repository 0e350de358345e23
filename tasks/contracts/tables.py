"""The published tables: one schema each, from which writing, checking and documentation follow."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

KINDS = ("label", "word", "line", "celebrity", "face", "moderation")
"""What a tag can be, in the order in which tables list them."""

WIDE_KINDS = ("celebrity", "label", "word")
"""The kinds that become columns of `tags_wide`, in column order."""

CLEANING_RULES = (
    "words_not_lines",
    "blocked_names",
    "minimum_confidence",
    "one_name",
    "celebrity_only",
    "parents_implied",
)
"""What `tags_dropped` can have as `rule`; `clean/rules.py` applies them in this order."""


@dataclass(frozen=True)
class Column:
    """One column: its name, Arrow type and description."""

    name: str
    type: pa.DataType
    description: str


def schema_of(columns: tuple[Column, ...]) -> pa.Schema:
    """The Arrow schema of a list of columns; each column's sentence travels as field metadata."""
    return pa.schema(
        [pa.field(c.name, c.type, metadata={"description": c.description}) for c in columns]
    )


IMAGES = (
    Column("row", pa.int64(), "0-based number of the row in the source"),
    Column(
        "position",
        pa.int64(),
        "0-based place of the link in its cell; null where the row has no link",
    ),
    Column("url", pa.string(), "the link as written in the cell; null where the row has no link"),
    Column(
        "image_id",
        pa.string(),
        "sha256 of the bytes as downloaded, in hex; null if there is no picture",
    ),
    Column("status", pa.string(), "tagged, rejected, pending or no_link"),
    Column("reason", pa.string(), "reason code; null when tagged or no_link"),
    Column("detail", pa.string(), "what happened, in words; null when there is nothing to add"),
    Column("object", pa.string(), "where the picture is stored"),
    Column("format", pa.string(), "format as downloaded: JPEG, PNG, WEBP, ..."),
    Column("bytes", pa.int64(), "size as downloaded"),
    Column(
        "width", pa.int64(), "px, as displayed: EXIF orientation is applied; boxes are shares of it"
    ),
    Column("height", pa.int64(), "px, likewise"),
)

TAGS_LONG = (
    Column("image_id", pa.string(), "the image"),
    Column("kind", pa.string(), "label, word, line, celebrity, face or moderation"),
    Column(
        "rank",
        pa.int64(),
        "1.. within image and kind: by confidence; words and lines in reading order",
    ),
    Column("name", pa.string(), "the tag itself"),
    Column("confidence", pa.float64(), "0-100; for a celebrity the MatchConfidence"),
    Column("left", pa.float64(), "left edge of the first box, 0-1 of the width; null if none"),
    Column("top", pa.float64(), "top edge, 0-1 of the height; null if none"),
    Column("width", pa.float64(), "0-1 of the width; null if none"),
    Column("height", pa.float64(), "0-1 of the height; null if none"),
    Column("instances", pa.int64(), "how many of it have a box; null for kinds without instances"),
    Column("parents", pa.list_(pa.string()), "broader labels"),
    Column("categories", pa.list_(pa.string()), "categories"),
    Column("details", pa.string(), "what else the response says of it, as JSON"),
    Column("analyzer", pa.string(), "who answered: rekognition or local"),
    Column("model_version", pa.string(), "version of the model that answered, where it says so"),
)

TAGS_DROPPED = (*TAGS_LONG, Column("rule", pa.string(), "the cleaning rule that removed it"))

TAG_COUNTS = (
    Column("n_labels", pa.int64(), "labels of the image in `tags_long`"),
    Column("n_words", pa.int64(), "its words"),
    Column("n_celebrities", pa.int64(), "its celebrities"),
    Column(
        "n_faces",
        pa.int64(),
        "its faces, those of celebrities included; one that two operations found counts once",
    ),
)
"""How many tags an image has, also where `tags_wide` has fewer columns."""

ROWS = (
    Column("row", pa.int64(), "0-based number of the row in the source"),
    Column("n_links", pa.int64(), "links in the row"),
    Column("n_tagged", pa.int64(), "links whose status is tagged"),
    Column(
        "labels",
        pa.list_(pa.string()),
        "labels of its pictures, each once, by picture and rank; null if no picture was read",
    ),
    Column(
        "words", pa.string(), "words in reading order, a line per picture; null if there are none"
    ),
    Column(
        "celebrities", pa.list_(pa.string()), "celebrities of its pictures; null as for `labels`"
    ),
    Column("n_faces", pa.int64(), "faces in its pictures (`tags_wide`); null if none was read"),
    Column(
        "n_people",
        pa.int64(),
        "people in its pictures: faces, or boxes of the label Person where those are more",
    ),
    Column("has_text", pa.bool_(), "whether a picture has a word or line; null if none was read"),
    Column("has_celebrity", pa.bool_(), "whether a picture has a celebrity; null if none was read"),
    Column(
        "status",
        pa.string(),
        "the worst of its links: pending, then rejected, then tagged; no_link without any",
    ),
)
"""What `rows` adds to the columns of the source."""


def wide_columns(widths: dict[str, int]) -> tuple[Column, ...]:
    """The columns of `tags_wide`: `widths[kind]` of each kind in WIDE_KINDS, from the settings."""
    columns = [Column("image_id", pa.string(), "the image")]
    for kind in WIDE_KINDS:
        for n in range(1, widths[kind] + 1):
            columns.append(Column(f"{kind}_{n}", pa.string(), f"{kind} of rank {n}"))
            columns.append(Column(f"{kind}_{n}_confidence", pa.float64(), "its confidence, 0-100"))
    return (*columns, *TAG_COUNTS)


TAG_EFFECTS = (
    Column(
        "kind", pa.string(), "kind of the tag, or `any` for has_image, has_text and has_celebrity"
    ),
    Column("name", pa.string(), "the tag; words and lines in lower case without punctuation"),
    Column("metric", pa.string(), "the source's column"),
    Column("with_n", pa.int64(), "source rows that have it in any of their pictures"),
    Column("with_mean", pa.float64(), "mean of the metric over them"),
    Column(
        "without_n",
        pa.int64(),
        "rows with a picture that do not have it; for has_image, rows without any link; "
        "for labels, only rows without a celebrity",
    ),
    Column("without_mean", pa.float64(), "mean of the metric over them"),
    Column("difference", pa.float64(), "with_mean - without_mean"),
    Column("low", pa.float64(), "lower end of the 95% interval of superiority"),
    Column("high", pa.float64(), "upper end"),
    Column("p_value", pa.float64(), "two-sided test that superiority is 0.5; agrees with interval"),
    Column(
        "p_corrected",
        pa.float64(),
        "Benjamini-Hochberg over all rows of the same kind, all metrics",
    ),
    Column(
        "superiority",
        pa.float64(),
        "probability that a picture with it has a higher metric than one without; ties count half",
    ),
    Column("with_median", pa.float64(), "median of the metric over the rows that have it"),
    Column("without_median", pa.float64(), "median over the rows that do not"),
    Column(
        "with_images",
        pa.int64(),
        "distinct pictures (sets of pictures where rows have several) that have it: "
        "what is compared",
    ),
    Column("without_images", pa.int64(), "those that do not have it"),
    Column("with_clusters", pa.int64(), "independent clusters that have it (--effect-cluster)"),
    Column("without_clusters", pa.int64(), "independent clusters that lack it"),
    Column("also", pa.list_(pa.string()), "other tags of this kind on exactly the same pictures"),
)

PUBLISHED = ("images", "tags_long", "tags_dropped", "tags_wide", "tagged", "rows")
"""The published tables, in the order they are written and checked.

`tag_effects` joins them with --metric.
"""


def published_tables(metrics: Sequence[str]) -> tuple[str, ...]:
    """The tables that a run publishes."""
    return (*PUBLISHED, "tag_effects") if metrics else PUBLISHED
