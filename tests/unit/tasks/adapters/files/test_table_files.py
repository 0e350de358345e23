"""Rows found in a table file are those found in memory, and only those stay in memory."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_tags.tasks.adapters.files.table_files import find_rows, iterate_groups, take_rows
from tests.support.watched_tables import WatchedFile

rows = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9)), max_size=40)


def make_table(values):
    names, numbers = ([value[at] for value in values] for at in (0, 1))
    columns = {"name": pa.array(names, pa.string()), "n": pa.array(numbers, pa.int64())}
    return pa.table({**columns, "other": pa.array(numbers, pa.int64())})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tables")


@given(rows, st.lists(st.sampled_from("abcd"), max_size=3))
def test_rows_are_found_by_a_column(folder, values, wanted):
    table = make_table(values)
    file = WatchedFile(folder / "t.parquet", table)
    expected = [{"n": n} for name, n in values if name in wanted]
    assert find_rows(file, ["n"], "name", wanted).to_pylist() == expected
    assert find_rows(table, ["n"], "name", wanted).to_pylist() == expected
    assert (file.whole, file.in_parts) == (set(), {"name", "n"})


@given(rows, st.data())
def test_rows_are_taken_by_place_in_the_order_asked_for(folder, values, data):
    places = data.draw(st.lists(st.integers(0, len(values) - 1)) if values else st.just([]))
    table = make_table(values)
    file = WatchedFile(folder / "t.parquet", table)
    expected = [{"name": values[at][0], "n": values[at][1]} for at in places]
    assert take_rows(file, ["name", "n"], places).to_pylist() == expected
    assert take_rows(table, ["name", "n"], places).to_pylist() == expected
    assert "other" not in file.whole | file.in_parts


@given(rows)
def test_neighbours_with_one_key_stay_together(folder, values):
    ordered = make_table(sorted(values))
    for table in (ordered, WatchedFile(folder / "t.parquet", ordered)):
        parts = [part.to_pylist() for part in iterate_groups(table, "name", ["name", "n"])]
        assert [row for part in parts for row in part] == ordered.select(["name", "n"]).to_pylist()
        keys = [name for part in parts for name in {row["name"] for row in part}]
        assert len(keys) == len(set(keys))
