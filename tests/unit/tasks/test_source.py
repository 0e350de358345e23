"""Reading the source."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.cells import links_in
from tasks.contracts.errors import UsageError
from tasks.contracts.records import Link
from tasks.source import distinct_urls, find_url_column, links_of, links_table, load_source, stacked

URL = "http://a.example/1.jpg"


def test_the_column_is_found_by_its_values():
    table = pa.table({"id": [1, 2], "text": ["see http://x.example now", "hi"], "media": [None, f"{URL} {URL}"]})
    assert find_url_column(table, None) == "media"


def test_the_column_asked_for_wins():
    table = pa.table({"a": [URL], "b": [URL]})
    assert find_url_column(table, "b") == "b"


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [("nope", "no column 'nope'"), ("text", "no links in the column 'text'"), ("none", "no links in the column 'none'")],
)
def test_columns_that_will_not_do(wanted, sentence):
    table = pa.table({"text": ["just words", "more"], "none": [None, None], "url": [URL, URL]})
    with pytest.raises(UsageError, match=sentence):
        find_url_column(table, wanted)


def test_no_column_with_links():
    with pytest.raises(UsageError, match="--url-column"):
        find_url_column(pa.table({"a": ["x"], "b": [1]}), None)


@given(st.lists(st.lists(st.sampled_from([URL, "http://b.example/2.png", "ftp://c"]), max_size=3), max_size=6))
def test_every_link_keeps_its_row_and_position(cells):
    links = links_of(pa.table({"u": pa.array([" ".join(cell) for cell in cells], pa.string())}), "u")
    assert links == [Link(row, at, url) for row, cell in enumerate(cells) for at, url in enumerate(cell)]
    assert set(distinct_urls(links)) == {url for cell in cells for url in links_in(" ".join(cell))}
    assert links_table(links).num_rows == len(links)


def test_a_folder_is_read_as_one_table(tmp_path):
    (tmp_path / "1.csv").write_text(f"id,u\n1,{URL}\n")
    (tmp_path / "2.jsonl").write_text(f'{{"u": "{URL}", "extra": true}}\n')
    (tmp_path / "_SUCCESS").write_text("")
    source = load_source(str(tmp_path), None)
    assert source.table.to_pylist() == [
        {"id": 1, "u": URL, "extra": None},
        {"id": None, "u": URL, "extra": True},
    ]
    assert (source.url_column, source.guessed) == ("u", True)
    assert load_source(str(tmp_path / "*.csv"), "u").table.num_rows == 1


def test_a_column_whose_types_differ_between_files_becomes_text_and_the_others_stay(tmp_path):
    (tmp_path / "1.csv").write_text(f"id,likes,u\n1,5,{URL}\n")
    (tmp_path / "2.csv").write_text(f"id,likes,u\nx,6,{URL}\n")
    table = load_source(str(tmp_path), "u").table
    assert table.select(["id", "likes"]).to_pydict() == {"id": ["1", "x"], "likes": [5, 6]}


def test_a_file_that_has_nothing_in_a_column_says_nothing_of_its_type(tmp_path):
    (tmp_path / "1.csv").write_text(f"id,likes,note,u\n1,5,,{URL}\n")
    (tmp_path / "2.csv").write_text(f"id,likes,note,u\n2,,,{URL}\n")
    (tmp_path / "3.csv").write_text("id,likes,note,u\n")
    (tmp_path / "4.jsonl").write_text(f'{{"u": "{URL}", "likes": null}}\n')
    table = load_source(str(tmp_path), "u").table
    assert table.schema.field("likes").type == table.schema.field("id").type == pa.int64()
    assert table.schema.field("note").type == pa.string()
    assert table.column("likes").to_pylist() == [5, None, None]


def test_numbers_that_do_not_fit_one_type_lose_no_digit():
    parts = [pa.table({"id": [2**60 + 1]}), pa.table({"id": [0.5]}), pa.table({"id": [True]})]
    assert stacked(parts[:2]).column("id").to_pylist() == [str(2**60 + 1), "0.5"]
    assert stacked(parts[1:]).column("id").to_pylist() == ["0.5", "True"]


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [("missing.csv", None, "There is no file"), ("*.csv", None, "No file matches"), ("t.csv", "u,v\n", "no rows")],
)
def test_sources_that_will_not_do(tmp_path, name, text, sentence):
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match=sentence):
        load_source(str(tmp_path / name), None)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(UsageError, match="no CSV"):
        load_source(str(empty), None)
