"""Concatenating tables."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_tags.tasks.source.concat_tables import concat_tables


def test_no_number_changes():
    """Ids of 19 digits do not fit into a float."""
    one, other = pa.table({"id": [2**53 + 1], "n": [1]}), pa.table({"id": [1.5], "n": [0.5]})
    table = concat_tables([one, other])
    assert table.column("id").to_pylist() == [str(2**53 + 1), "1.5"]
    assert table.column("n").to_pylist() == [1.0, 0.5]


@pytest.mark.parametrize(
    ("first", "second", "texts"),
    [
        ([1], ["x"], ["1", "x"]),
        ([True], ["x"], ["true", "x"]),
        ([["a", "é"]], ["x"], ['["a", "é"]', "x"]),
        ([{"a": None}], [2], ['{"a": null}', "2"]),
        ([["a"]], [[1]], ['["a"]', "[1]"]),
    ],
)
def test_types_that_cannot_be_one_become_text(first, second, texts):
    assert (
        concat_tables([pa.table({"c": first}), pa.table({"c": second})]).column("c").to_pylist()
        == texts
    )


COLUMNS = st.sampled_from(
    [
        pa.array([1, None]),
        pa.array([0.5, 2.0]),
        pa.array(["a", None]),
        pa.array([None, None], pa.string()),
        pa.array([None]),
    ]
)


@given(
    st.lists(
        st.dictionaries(st.sampled_from("abc"), COLUMNS, min_size=1).filter(
            lambda d: len({len(c) for c in d.values()}) == 1
        ),
        min_size=1,
    )
)
def test_every_row_is_kept_and_every_value_is_the_same_or_its_text(columns):
    parts = [pa.table(one) for one in columns]
    table = concat_tables(parts)
    before = [row for part in parts for row in part.to_pylist()]
    assert table.num_rows == len(before)
    for row, was in zip(table.to_pylist(), before, strict=True):
        for name, value in row.items():
            assert value in (was.get(name), str(was.get(name)))
