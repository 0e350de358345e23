"""DataFrames as sources, and back again."""

import datetime
import decimal
import uuid

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from image_tags.tasks.adapters.files.tables import parquet_bytes, parquet_table
from image_tags.tasks.assemble.column_names import name_columns
from image_tags.tasks.contracts.errors import UsageError
from image_tags.tasks.source.dataframes import (
    restore_frame,
    restore_index,
    source_table,
    stored_name,
)


def object_series(*values):
    return pd.Series(values, dtype=object)


class Thing:
    def __str__(self):
        return "a thing"


HELD = {
    "category": (pd.Series(["a", "b", None], dtype="category"), ["a", "b", None]),
    "lists": (object_series(["a"], ["b", "c"], None), [["a"], ["b", "c"], None]),
    "zoned": (
        pd.Series(pd.to_datetime(["2026-01-01", None, "2026-01-02"], utc=True)).dt.tz_convert(
            "Europe/Zurich"
        ),
        None,
    ),
    "Int64": (pd.Series([1, 2, None], dtype="Int64"), [1, 2, None]),
    "decimals": (object_series(decimal.Decimal("1.5"), None, decimal.Decimal("2.5")), None),
    "dates": (
        object_series(datetime.date(2026, 1, 1), None, None),
        [datetime.date(2026, 1, 1), None, None],
    ),
    "text and nan": (object_series("a", float("nan"), pd.NA), ["a", None, None]),
    "nothing": (object_series(None, None, None), [None, None, None]),
}
AS_TEXT = {
    "mixed": (object_series(1, "x", None), ["1", "x", None]),
    "list or text": (
        object_series(["http://a", 2], "http://b", None),
        ['["http://a", 2]', "http://b", None],
    ),
    "too large": (object_series(2**80, 1.5, True), [str(2**80), "1.5", "true"]),
    "numpy": (object_series(np.int64(5), "x", np.array([1, 2])), ["5", "x", "[1, 2]"]),
    "no fields": (object_series({}, None, {}), ["{}", None, "{}"]),
    "odd keys": (object_series({(1, 2): 3}, "x", Thing()), ["{(1, 2): 3}", "x", "a thing"]),
    "half a character": (object_series("\ud800", "x", None), ["\\ud800", "x", None]),
    "period": (
        pd.Series(pd.period_range("2026-01", periods=3, freq="M")),
        ["2026-01", "2026-02", "2026-03"],
    ),
    "bins": (pd.cut(pd.Series([1, 2, 3]), [0, 1, 3]), ["(0, 1]", "(1, 3]", "(1, 3]"]),
    "uuid": (object_series(uuid.UUID(int=1), None, None), [str(uuid.UUID(int=1)), None, None]),
    "complex": (pd.Series([1j, 2j, 3j]), ["1j", "2j", "3j"]),
    "sparse": (pd.Series(pd.arrays.SparseArray([0, 0, 1])), ["0", "0", "1"]),
}
VALUES = {name: values for name, (values, _) in (HELD | AS_TEXT).items()}


def store_and_read(frame):
    """Return the source as the flow reads it."""
    return parquet_table(parquet_bytes(source_table(frame)))


def run_on(frame, links):
    """Return `images` and `tagged` as published for links in these rows."""
    source = store_and_read(frame)
    images = pa.table({"row": links, "status": ["tagged"] * len(links)})
    ours = [column.combine_chunks() for column in images.columns]
    names = name_columns(source.column_names, images.column_names)
    tagged = pa.table([*source.take(images.column("row")).columns, *ours], names=names)
    types = {pa.int64(): pd.Int64Dtype()}
    return (table.to_pandas(types_mapper=types.get) for table in (images, tagged))


@pytest.mark.parametrize("name", HELD)
def test_what_parquet_holds_is_written_as_it_is(name):
    values, expected = HELD[name]
    column = store_and_read(pd.DataFrame({"c": values})).column("c")
    assert not pa.types.is_string(column.type) or name == "text and nan"
    assert column.to_pylist() == (
        expected or [None if pd.isna(value) else value for value in values]
    )


@pytest.mark.parametrize("name", AS_TEXT)
def test_what_parquet_does_not_hold_is_written_as_text(name):
    values, expected = AS_TEXT[name]
    column = store_and_read(pd.DataFrame({"c": values})).column("c")
    assert column.type == pa.string()
    assert column.to_pylist() == expected


INDEXES = {
    "plain": pd.RangeIndex(3),
    "the same label": pd.Index(["x", "x", "y"], name="user"),
    "times": pd.DatetimeIndex(["2026-01-01", None, "2026-01-02"], tz="UTC", name="when"),
    "levels": pd.MultiIndex.from_tuples([("a", 1), ("a", 1), ("b", None)], names=["user", None]),
}


@pytest.mark.parametrize("index", INDEXES)
def test_frame_and_index_come_back_untouched(index):
    frame = pd.DataFrame(VALUES).set_axis(INDEXES[index], axis=0)
    before = frame.copy(deep=True)
    rows = [0, 0, 1, 2]
    images, tagged = run_on(frame, rows)
    back = restore_frame(frame, tagged, images)
    assert_frame_equal(back.iloc[:, : frame.shape[1]], frame.iloc[rows], check_freq=False)
    assert back.columns[frame.shape[1] :].tolist() == ["row", "status"]
    assert back["row"].tolist() == rows
    assert restore_index(frame, images).index.identical(frame.index.take(rows))
    assert_frame_equal(frame, before)


def test_columns_of_several_levels_stay_so():
    columns = pd.MultiIndex.from_tuples(
        [("tweet", "text"), ("tweet", "media")], names=["what", None]
    )
    frame = pd.DataFrame([["a", "http://x"], ["b", "http://y"]], columns=columns)
    assert source_table(frame).column_names == ["tweet.text", "tweet.media"]
    assert stored_name(frame, ("tweet", "media")) == "tweet.media"
    images, tagged = run_on(frame, [0, 1])
    back = restore_frame(frame, tagged, images)
    assert_frame_equal(back[["tweet"]], frame)
    assert back["status"].tolist() == ["tagged", "tagged"]
    assert back.columns.names == ["what", None]


def test_named_levels_of_the_index_are_columns_of_the_source():
    frame = pd.DataFrame(
        {"url": ["http://x"], "id": [1]},
        index=pd.MultiIndex.from_tuples([(7, 8, 9)], names=["id", None, "n"]),
    )
    assert source_table(frame).to_pylist() == [{"url": "http://x", "id": 1, "id.1": 7, "n": 9}]
    assert stored_name(frame, "n") == "n"
    with pytest.raises(UsageError, match="2 columns 'id'"):
        stored_name(frame, "id")


LABELS = st.one_of(
    st.text(max_size=3),
    st.integers(0, 3),
    st.none(),
    st.sampled_from(["row", "status", "image_tags_row"]),
)


@given(
    st.lists(st.tuples(LABELS, st.sampled_from(list(VALUES))), min_size=1, max_size=5),
    st.lists(st.integers(0, 2), min_size=1),
)
def test_any_labels_give_a_source_with_unique_names_and_come_back(columns, rows):
    frame = pd.concat([VALUES[kind] for _, kind in columns], axis=1)
    frame.columns = pd.Index([label for label, _ in columns], dtype=object)
    names = store_and_read(frame).column_names
    assert len(set(names)) == len(columns)
    images, tagged = run_on(frame, sorted(rows))
    back = restore_frame(frame, tagged, images)
    assert_frame_equal(back.iloc[:, : len(columns)], frame.iloc[sorted(rows)])
    assert back.shape[1] == len(columns) + 2
