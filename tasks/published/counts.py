"""What the tables of a run say in numbers: for the summary, the flow run's page and the report."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from image_tags.tasks.adapters.files.table_files import (
    AnyTable,
    TableFile,
    encode_column,
    iterate_parts,
)
from image_tags.tasks.contracts.reasons import REASONS, Status
from image_tags.tasks.contracts.records import JsonObject

TOP = 10
"""How many labels and people the summary names."""


@dataclass(frozen=True)
class Funnel:
    """The way from rows to tagged images.

    Attributes:
        rows: in the source.
        rows_without: rows without a link.
        links: in the rows.
        pictures: links with a picture in the store.
        images: distinct pictures.
        tagged: distinct pictures that every operation has answered for.

    """

    rows: int
    rows_without: int
    links: int
    pictures: int
    images: int
    tagged: int


@dataclass(frozen=True)
class ReasonCount:
    """The links that one reason left behind, and the first of them: `row`, `url` and `detail`."""

    code: str
    links: int
    examples: list[Mapping[str, Any]]

    @property
    def meaning(self) -> str:
        """The reason as a sentence; empty for a code unknown to this version."""
        return REASONS[self.code].meaning if self.code in REASONS else ""


def count_links(images: pa.Table) -> JsonObject:
    """Links, distinct images, statuses and reasons, as `images` has them."""
    statuses = Counter(images.column("status").to_pylist())
    reasons = Counter(reason for reason in images.column("reason").to_pylist() if reason)
    return {
        "links": images.num_rows - statuses.get(Status.NO_LINK, 0),
        "images": pc.count_distinct(images.column("image_id"), mode="only_valid").as_py(),
        "statuses": {str(status): statuses.get(status, 0) for status in Status},
        "reasons": {str(code): n for code, n in reasons.most_common()},
    }


def count_funnel(rows: int, images: AnyTable) -> Funnel:
    """Count from rows to tagged images; `rows` is how many the source has."""
    links, without, pictures = 0, 0, 0
    seen: set[str] = set()
    tagged: set[str] = set()
    for part in iterate_parts(images, ["image_id", "status"]):
        left = pc.sum(pc.equal(part["status"], str(Status.NO_LINK))).as_py() or 0
        without += left
        links += part.num_rows - left
        pictures += part.num_rows - part["image_id"].null_count
        seen.update(_distinct_values(part["image_id"]))
        are_tagged = pc.equal(part["status"], str(Status.TAGGED))
        tagged.update(_distinct_values(part.filter(are_tagged)["image_id"]))
    return Funnel(rows, without, links, pictures, len(seen), len(tagged))


def count_reasons(
    images: AnyTable, examples: int, status: Status | None = None
) -> list[ReasonCount]:
    """Count the links that are not tagged by reason, the most frequent first.

    Args:
        images: the table, with its rows in order.
        examples: links with different addresses given of each reason, at most.
        status: of the links; None for every status.

    """
    counts: Counter[str] = Counter()
    first: dict[str, dict[str, Mapping[str, Any]]] = {}
    for part in iterate_parts(images, ["row", "url", "status", "reason", "detail"]):
        left = part.filter(pc.equal(part["status"], str(status))) if status else part
        for found in pc.value_counts(left["reason"].drop_null()).to_pylist():
            code, links = found["values"], first.setdefault(found["values"], {})
            counts[code] += found["counts"]
            if len(links) < examples:
                those = left.filter(pc.equal(left["reason"], code))
                _add_examples(links, those.drop_columns(["status", "reason"]), examples)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [ReasonCount(str(code), n, list(first[code].values())) for code, n in ordered]


def read_names(tags: AnyTable) -> pa.Table:
    """Image, kind and name of each tag, as codes: millions of image ids are large as texts."""
    names = ("image_id", "kind", "name")
    if not isinstance(tags, TableFile):
        return tags.select(list(names))
    return pa.table({name: tags.encode(name) for name in names})


def rank_names(tags: pa.Table, kind: str, most: int = TOP) -> list[tuple[str, int]]:
    """The names of a kind that most images have, with how many have them.

    Args:
        tags: `image_id`, `kind` and `name` of each tag.
        kind: of the names.
        most: names at most; equal counts are in the order of the names.

    """
    of_kind = tags.filter(pc.equal(tags.column("kind"), kind)).combine_chunks()
    images, names = (encode_column(of_kind.column(name)) for name in ("image_id", "name"))
    codes = {"image": images.indices.to_numpy(), "name": names.indices.to_numpy()}
    pairs = pd.DataFrame(codes).drop_duplicates()
    counted = pairs["name"].value_counts()
    texts = names.dictionary.take(pa.array(counted.index)).to_pylist()
    counts = list(zip(texts, counted.tolist(), strict=True))
    return sorted(counts, key=lambda item: (-item[1], item[0]))[:most]


def _distinct_values(column: pa.ChunkedArray) -> list[str]:
    found: list[str] = pc.unique(column.drop_null()).to_pylist()
    return found


def _add_examples(links: dict[str, Mapping[str, Any]], those: pa.Table, most: int) -> None:
    for one in those.to_pandas().drop_duplicates("url").head(most).to_dict("records"):
        if len(links) < most:
            links.setdefault(str(one["url"]), one)
