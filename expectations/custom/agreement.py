"""Expectations that two tables agree."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from image_tags.expectations.custom.base import Observation, TableExpectation, report_broken
from image_tags.expectations.subject import Subject
from image_tags.tasks.adapters.files.table_files import TableFile
from image_tags.tasks.contracts.tables import WIDE_KINDS

COUNTED = {"label": "n_labels", "word": "n_words", "celebrity": "n_celebrities"}
"""The columns of `tags_wide` that count tags of a kind."""


@dataclass(frozen=True)
class KindOfTags:
    """The tags of one kind, as parallel arrays; `spots`: rows of `tags_wide`, -1 for none."""

    spots: np.ndarray
    ranks: np.ndarray
    names: pa.Array
    confidences: pa.Array


class ExpectWideToAgreeWithLong(TableExpectation):
    """`tags_wide` has the tags of `tags_long` up to its number of columns, and no others."""

    def inspect_table(self, own: TableFile, whole: Subject) -> Observation:
        """Compare column by column: the tags of that kind and rank against the cells."""
        images = own["image_id"].combine_chunks()
        long = whole.tables["tags_long"]
        broken: list[str] = []
        looked_at = 0
        for kind in WIDE_KINDS:
            width = whole.context.widths[kind]
            for rank, tags in enumerate(_split_by_rank(_tags_of(long, kind, images), width), 1):
                looked_at += len(tags.spots)
                cells = own.select([f"{kind}_{rank}", f"{kind}_{rank}_confidence"])
                different = _find_differences(cells, tags)
                broken += [f"{kind} {rank} of {_name_image(images, spot)}" for spot in different]
        return report_broken(broken, looked_at, "tags")


class ExpectCountsToAgreeWithLong(TableExpectation):
    """`tags_wide` counts the tags that an image has in `tags_long`."""

    def inspect_table(self, own: TableFile, whole: Subject) -> Observation:
        """Exactly for labels, words and celebrities; faces are at most faces and celebrities."""
        images = own["image_id"].combine_chunks()
        counts = _count_tags(whole.tables["tags_long"], images)
        wrong = np.zeros(len(images), bool)
        for kind, column in COUNTED.items():
            wrong |= _numbers(own, column) != counts.get(kind, 0)
        faces = _numbers(own, "n_faces")
        most = counts.get("face", 0) + counts.get("celebrity", np.zeros(len(images), np.int64))
        wrong |= (faces > most) | ((faces > 0) != (most > 0))
        broken = images.filter(pa.array(wrong)).to_pylist()
        return report_broken(broken, len(images), "images")


class ExpectColumnsToHoldAllTags(TableExpectation):
    """No image has more tags of a kind than `tags_wide` has columns."""

    def inspect_table(self, own: TableFile, whole: Subject) -> Observation:
        """The finding counts the images that are cut, by kind."""
        broken = []
        for kind in WIDE_KINDS:
            column, width = COUNTED[kind], whole.context.widths[kind]
            cut = pc.sum(pc.greater(own[column], width)).as_py() or 0
            have, tags = "has" if cut == 1 else "have", column.removeprefix("n_")
            if cut:
                broken.append(f"{cut:,} of {own.num_rows:,} images {have} more than {width} {tags}")
        if broken:
            return Observation(False, "; ".join(broken))
        return Observation(True, f"{own.num_rows:,} images looked at")


class ExpectTaggedToAgreeWithItsParts(TableExpectation):
    """Each column of `tagged` is, row for row, the source's, `images`' or `tags_wide`'s own."""

    def inspect_table(self, own: TableFile, whole: Subject) -> Observation:
        """Compare column by column; our columns are known by their place."""
        images, wide = whole.tables["images"], whole.tables["tags_wide"]
        if own.num_rows != images.num_rows:
            words = f"{own.num_rows:,} rows, but images has {images.num_rows:,}"
            return Observation(False, words)
        spots = pc.index_in(
            images["image_id"], wide["image_id"].combine_chunks(), skip_nulls=True
        ).combine_chunks()
        rows = images["row"].combine_chunks()
        source = whole.tables["source"]
        wanted: list[tuple[TableFile, str, pa.Array | None]] = [
            *((source, name, rows) for name in source.column_names),
            *((images, name, None) for name in images.column_names),
            *((wide, name, spots) for name in wide.column_names[1:]),
        ]
        broken = [
            f"column {name!r}"
            for name, (table, column, taken) in zip(own.column_names, wanted, strict=True)
            if not _are_same(own[name], _take(table[column], taken))
        ]
        return report_broken(broken, len(wanted), "columns")


def are_source_columns(own: TableFile, source: TableFile) -> list[str]:
    """The columns of the source that are not, row for row, the first ones of a table."""
    return [
        f"column {name!r}"
        for name, there in zip(source.column_names, own.column_names, strict=False)
        if name != there or not _are_same(own[there], source[name])
    ]


def _tags_of(long: TableFile, kind: str, images: pa.Array) -> KindOfTags:
    is_kind = pc.fill_null(pc.equal(long["kind"], kind), False).combine_chunks()
    ids = long.encode("image_id")
    rows = pc.fill_null(pc.index_in(ids.dictionary, images), -1).to_numpy()
    codes = pc.fill_null(ids.indices.filter(is_kind), len(rows)).to_numpy()
    names = long.encode("name").filter(is_kind)
    return KindOfTags(
        spots=np.append(rows, -1)[codes],
        ranks=pc.fill_null(long["rank"].filter(is_kind), -1).to_numpy(),
        names=names,
        confidences=long["confidence"].filter(is_kind).combine_chunks(),
    )


def _split_by_rank(tags: KindOfTags, width: int) -> Iterator[KindOfTags]:
    """The tags of rank 1, 2, ... `width`."""
    order = np.argsort(tags.ranks, kind="stable")
    ends = np.searchsorted(tags.ranks[order], np.arange(width + 1), side="right").tolist()
    for start, end in itertools.pairwise(ends):
        rows = order[start:end]
        taken = pa.array(rows)
        names, confidences = tags.names.take(taken), tags.confidences.take(taken)
        yield KindOfTags(
            tags.spots[rows], tags.ranks[rows], names.cast(names.type.value_type), confidences
        )


def _find_differences(cells: pa.Table, tags: KindOfTags) -> list[int]:
    """The rows whose cells (a name and its confidence) are not what the tags say."""
    spots = pa.array(tags.spots, mask=tags.spots < 0)
    there = cells.take(spots)
    same = pc.and_(
        pc.equal(there.column(0), tags.names), pc.equal(there.column(1), tags.confidences)
    )
    wrong = tags.spots[~pc.fill_null(same, False).to_numpy()].tolist()
    filled = pc.or_(pc.is_valid(cells.column(0)), pc.is_valid(cells.column(1))).to_numpy().copy()
    filled[tags.spots[tags.spots >= 0]] = False
    return [*wrong, *np.flatnonzero(filled).tolist()]


def _count_tags(long: TableFile, images: pa.Array) -> dict[str, np.ndarray]:
    """How many tags of each kind each image has, in the order of the images."""
    ids, kinds = long.encode("image_id"), long.encode("kind")
    rows = pc.fill_null(pc.index_in(ids.dictionary, images), -1).to_numpy()
    spots = rows[pc.fill_null(ids.indices, 0).to_numpy()] if len(rows) else np.array([], int)
    codes = pc.fill_null(kinds.indices, -1).to_numpy()
    return {
        kind: np.bincount(spots[(codes == code) & (spots >= 0)], minlength=len(images))
        for code, kind in enumerate(kinds.dictionary.to_pylist())
    }


def _numbers(table: TableFile, column: str) -> np.ndarray:
    """A column of counts; null, which is never right, as -1."""
    numbers: np.ndarray = pc.fill_null(table[column], -1).to_numpy()
    return numbers


def _name_image(images: pa.Array, spot: int) -> str:
    return str(images[spot]) if spot >= 0 else "an image without a row"


def _take(column: pa.ChunkedArray, rows: Sequence[int] | pa.Array | None) -> pa.ChunkedArray:
    if rows is None:
        return column
    return pa.chunked_array([column.combine_chunks().take(rows)])


def _are_same(one: pa.ChunkedArray, other: pa.ChunkedArray) -> bool:
    # Arrow holds not-a-number unequal to itself; written out the two are alike.
    return bool(one.equals(other)) or (
        one.type == other.type and repr(one.to_pylist()) == repr(other.to_pylist())
    )
