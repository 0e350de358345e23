"""`rows`: one row per row of the source, with what its pictures show."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from image_tags.tasks.assemble.column_names import join_schemas
from image_tags.tasks.contracts.reasons import Status
from image_tags.tasks.contracts.tables import ROWS, schema_of

WORST_FIRST = (Status.PENDING, Status.REJECTED, Status.TAGGED, Status.NO_LINK)
"""The status of a row is the first of these that one of its links has."""

PERSON = "Person"
"""The label whose instances are people."""

FACTS = pa.schema(
    [
        ("labels", pa.list_(pa.string())),
        ("words", pa.string()),
        ("celebrities", pa.list_(pa.string())),
        ("n_faces", pa.int64()),
        ("n_people", pa.int64()),
        ("has_text", pa.bool_()),
    ]
)
"""What `rows` says of one image."""


def gather_facts(image_ids: pa.Array, tags: pa.Table, wide: pa.Table) -> pa.Table:
    """FACTS of some images from all their tags (in any order) and their rows of `tags_wide`."""
    places = pc.index_in(tags["image_id"], image_ids).to_numpy()
    kinds = tags["kind"].combine_chunks()
    names = tags["name"].combine_chunks()
    ranks = tags["rank"].to_numpy()

    def list_names(kind: str) -> pa.ListArray:
        of_kind = np.flatnonzero(pc.equal(kinds, kind).to_numpy(zero_copy_only=False))
        order = of_kind[np.lexsort((ranks[of_kind], places[of_kind]))]
        return _make_lists(places[order], names.take(pa.array(order)), len(image_ids))

    words = list_names("word")
    faces = wide["n_faces"].combine_chunks()
    is_person = pc.and_(pc.equal(kinds, "label"), pc.equal(names, PERSON))
    person = np.zeros(len(image_ids), np.int64)
    instances = pc.fill_null(tags["instances"].filter(is_person), 0).to_numpy()
    np.maximum.at(person, places[is_person.to_numpy(zero_copy_only=False)], instances)
    of_text = pc.is_in(kinds, pa.array(["word", "line"])).to_numpy(zero_copy_only=False)
    has_text = np.bincount(places[of_text], minlength=len(image_ids)) > 0
    columns = [
        list_names("label"),
        pc.if_else(pc.equal(pc.list_value_length(words), 0), None, pc.binary_join(words, " ")),
        list_names("celebrity"),
        faces,
        pa.array(np.maximum(faces.to_numpy(), person)),
        pa.array(has_text),
    ]
    return pa.table(columns, schema=FACTS)


def make_rows(
    source: pa.Table, first_row: int, images: pa.Table, image_ids: pa.Array, facts: pa.Table
) -> pa.Table:
    """The rows of `rows` for consecutive rows of the source.

    Where no picture of a row was read, what its pictures show is null.

    Args:
        source: these rows of the source.
        first_row: the number of the first of them.
        images: all their rows of `images`.
        image_ids: all images of the run.
        facts: what the tables say of each of them (FACTS).

    """
    rows = source.num_rows
    at = images["row"].to_numpy() - first_row
    status = images["status"].combine_chunks()
    read = pc.and_(
        pc.is_valid(images["image_id"]),
        pc.is_in(images["status"], pa.array([str(Status.TAGGED), str(Status.REJECTED)])),
    ).to_numpy()
    spots = pc.index_in(images["image_id"], image_ids, skip_nulls=True).to_numpy()
    # A picture behind several links of a row counts once.
    pairs = pd.DataFrame({"row": at[read], "image": spots[read].astype(np.int64)}).drop_duplicates()
    row, of_row = pairs["row"].to_numpy(), facts.take(pa.array(pairs["image"].to_numpy()))
    unread = pa.array(np.bincount(row, minlength=rows) == 0)

    def add_up(name: str) -> pa.Array:
        total = np.bincount(row, of_row[name].to_numpy(), minlength=rows).astype(np.int64)
        return pc.if_else(unread, None, pa.array(total))

    celebrities = _merge_lists(row, of_row["celebrities"], rows)
    columns = {
        "row": pa.array(np.arange(first_row, first_row + rows)),
        "n_links": _count(at, pc.not_equal(status, str(Status.NO_LINK)), rows),
        "n_tagged": _count(at, pc.equal(status, str(Status.TAGGED)), rows),
        "labels": pc.if_else(unread, None, _merge_lists(row, of_row["labels"], rows)),
        "words": _join_texts(row, of_row["words"], rows),
        "celebrities": pc.if_else(unread, None, celebrities),
        "n_faces": add_up("n_faces"),
        "n_people": add_up("n_people"),
        "has_text": pc.greater(add_up("has_text"), 0),
        "has_celebrity": pc.if_else(unread, None, pc.greater(pc.list_value_length(celebrities), 0)),
        "status": _find_worst(at, status, rows),
    }
    ours = schema_of(ROWS)
    schema = join_schemas(source.schema, ours)
    return pa.table([*source.columns, *(columns[name] for name in ours.names)], schema=schema)


def _make_lists(places: np.ndarray, values: pa.Array, length: int) -> pa.ListArray:
    """A list for each of 0..length-1 of the values that are at this place; places in order."""
    offsets = np.searchsorted(places, np.arange(length + 1)).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), _one_array(values))


def _merge_lists(row: np.ndarray, lists: pa.ChunkedArray, rows: int) -> pa.ListArray:
    """Each row's values out of several lists, each value once, in the order of its pictures."""
    whole = _one_array(lists)
    owners = np.repeat(row, pc.list_value_length(whole).to_numpy(zero_copy_only=False))
    values = whole.flatten()
    codes = values.dictionary_encode().indices.to_numpy()
    first = ~pd.DataFrame({"row": owners, "value": codes}).duplicated().to_numpy()
    return _make_lists(owners[first], values.filter(pa.array(first)), rows)


def _join_texts(row: np.ndarray, texts: pa.ChunkedArray, rows: int) -> pa.Array:
    """Each row's texts, one line per picture; null where there is none."""
    valid = pc.is_valid(texts).to_numpy()
    lists = _make_lists(row[valid], texts.drop_null(), rows)
    return pc.if_else(pc.equal(pc.list_value_length(lists), 0), None, pc.binary_join(lists, "\n"))


def _count(at: np.ndarray, counted: pa.Array, rows: int) -> pa.Array:
    flags = counted.to_numpy(zero_copy_only=False)
    return pa.array(np.bincount(at[flags], minlength=rows))


def _find_worst(at: np.ndarray, status: pa.Array, rows: int) -> pa.Array:
    order = pa.array([str(one) for one in WORST_FIRST])
    worst = np.full(rows, len(order) - 1)
    np.minimum.at(worst, at, pc.index_in(status, order).to_numpy())
    return order.take(pa.array(worst))


def _one_array(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values


def concat_facts(parts: Iterable[pa.Table]) -> pa.Table:
    """FACTS of all images, from those of consecutive ones."""
    return pa.concat_tables([FACTS.empty_table(), *parts]).combine_chunks()
