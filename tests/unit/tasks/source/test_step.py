"""Reading the source."""

import gzip

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_tags.tasks.contracts.errors import UsageError
from image_tags.tasks.contracts.records import Link, distinct_urls
from image_tags.tasks.execution.run_folder import links_table
from image_tags.tasks.source.step import find_url_column, links_of, load_source
from image_tags.tasks.source.url_cells import links_in

URL = "http://a.example/1.jpg"


def test_the_column_is_found_by_its_values():
    table = pa.table(
        {"id": [1, 2], "text": ["see http://x.example now", "hi"], "media": [None, f"{URL} {URL}"]}
    )
    assert find_url_column(table, None) == "media"


def test_the_column_asked_for_wins():
    table = pa.table({"a": [URL], "b": [URL]})
    assert find_url_column(table, "b") == "b"


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ("nope", "no column 'nope'"),
        ("text", "no links in the column 'text'"),
        ("none", "no links in the column 'none'"),
    ],
)
def test_columns_that_will_not_do(wanted, sentence):
    table = pa.table({"text": ["just words", "more"], "none": [None, None], "url": [URL, URL]})
    with pytest.raises(UsageError, match=sentence):
        find_url_column(table, wanted)


def test_no_column_with_links():
    with pytest.raises(UsageError, match="--url-column"):
        find_url_column(pa.table({"a": ["x"], "b": [1]}), None)


@given(
    st.lists(
        st.lists(st.sampled_from([URL, "http://b.example/2.png", "ftp://c"]), max_size=3),
        max_size=6,
    )
)
def test_every_link_keeps_its_row_and_position(cells):
    links = links_of(
        pa.table({"u": pa.array([" ".join(cell) for cell in cells], pa.string())}), "u"
    )
    assert links == [
        Link(row, at, url) for row, cell in enumerate(cells) for at, url in enumerate(cell)
    ]
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


def test_types_that_differ_between_files_become_text_and_no_other_column_does(tmp_path):
    (tmp_path / "1.csv").write_text(f"id,u,likes\n1,{URL},5\n")
    (tmp_path / "2.csv").write_text(f"id,u,likes\nx,{URL},6\n")
    table = load_source(str(tmp_path), "u").table
    assert table.column("id").to_pylist() == ["1", "x"]
    assert table.column("likes").to_pylist() == [5, 6]


def test_a_column_that_is_empty_in_one_file_keeps_the_type_of_the_others(tmp_path):
    (tmp_path / "1.csv").write_text(f"likes,u,note\n5,{URL},\n")
    (tmp_path / "2.csv").write_text(f"likes,u,note\n,{URL},\n")
    (tmp_path / "3.csv").write_text("likes,u,note\n")
    table = load_source(str(tmp_path), "u").table
    assert table.column("likes").to_pylist() == [5, None]
    assert table.schema.field("likes").type == pa.int64()
    assert table.schema.field("note").type == pa.string()


def test_a_list_beside_text_becomes_json(tmp_path):
    (tmp_path / "1.jsonl").write_text(
        f'{{"u": ["{URL}", "{URL}2"], "nested": {{"a": [true, null]}}}}\n'
    )
    (tmp_path / "2.csv").write_text(f"u,nested\n{URL},x\n")
    source = load_source(str(tmp_path), "u")
    assert [link.url for link in links_of(source.table, "u")] == [URL, f"{URL}2", URL]
    assert source.table.column("nested").to_pylist() == ['{"a": [true, null]}', "x"]


def test_a_file_with_nothing_in_it_yet_says_nothing(tmp_path):
    (tmp_path / "1.csv").write_text(f"u\n{URL}\n")
    (tmp_path / "2.csv").write_text("")
    (tmp_path / "3.csv.gz").write_bytes(gzip.compress(b""))
    assert load_source(str(tmp_path), "u").table.num_rows == 1
    (tmp_path / "1.csv").write_text("")
    with pytest.raises(UsageError, match="is empty"):
        load_source(str(tmp_path), "u")


def test_the_store_may_lie_in_the_folder_that_is_read(tmp_path):
    (tmp_path / "1.csv").write_text(f"u\n{URL}\n")
    (tmp_path / "store" / "runs").mkdir(parents=True)
    (tmp_path / "store" / "runs" / "links.csv").write_text(f"u\n{URL}\n{URL}\n")
    assert load_source(str(tmp_path), "u", store=str(tmp_path / "store")).table.num_rows == 1


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("missing.csv", None, "There is no file"),
        ("*.csv", None, "No file matches"),
        ("t.csv", "u,v\n", "no rows"),
    ],
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
