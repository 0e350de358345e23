"""Reading the source."""

import gzip

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_tags.tasks.contracts.errors import UsageError
from image_tags.tasks.contracts.records import Link, distinct_urls
from image_tags.tasks.execution.run_folder import links_table
from image_tags.tasks.source.step import links_of, load_source
from image_tags.tasks.source.url_cells import links_in

URL = "http://a.example/1.jpg"


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
        ("t.csv", "x,y\n1,2\n", "No column of the source holds links"),
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


def test_a_source_without_rows_is_a_table_without_rows(tmp_path):
    for name, text, columns in (
        ("t.csv", "id,media,u\n", ["id", "media", "u"]),
        ("t.json", "[]", ["url"]),
        ("t.csv", "x,y\n", ["x", "y"]),
    ):
        (tmp_path / name).write_text(text)
        source = load_source(str(tmp_path / name), None)
        assert (source.table.num_rows, source.table.column_names) == (0, columns)
        assert source.url_column in ("media", "url", "x")
        assert source.remarks[-1] == "The source has no rows: the tables are empty."
    (tmp_path / "t.json").write_text("[]")
    assert load_source(str(tmp_path / "t.json"), "pics").table.column_names == ["pics"]


def test_a_source_without_a_link_is_a_table_without_links(tmp_path):
    (tmp_path / "t.csv").write_text("id,media,text\n1,,a\n2,n/a,b\n")
    source = load_source(str(tmp_path / "t.csv"), None)
    assert (source.url_column, links_of(source.table, "media")) == ("media", [])
    assert "No row has a link" in source.remarks[0]
    source = load_source(str(tmp_path / "t.csv"), "text")
    assert source.remarks == ("No row has a link in the column 'text'.",)


def test_guesses_are_sentences_with_the_file_where_there_are_several(tmp_path):
    (tmp_path / "1.txt").write_text(f"{URL}\n{URL}\n")
    alone = load_source(str(tmp_path / "1.txt"), None)
    assert alone.table.to_pylist() == [{"url": URL}, {"url": URL}]
    assert alone.remarks[0].startswith("The first line holds a link, so it is data")
    (tmp_path / "2.txt").write_text(f"{URL}\n")
    both = load_source(str(tmp_path), "url")
    assert both.remarks[0].startswith(f"{tmp_path}/1.txt and 1 more: The first line holds")
    assert len(both.remarks) == 1
    named = load_source(str(tmp_path / "1.txt"), URL, header=True)
    assert (named.table.num_rows, named.remarks) == (1, ())


def test_a_column_that_is_not_there_because_of_a_guess(tmp_path):
    (tmp_path / "t.csv").write_text(f"a,{URL}\nb,{URL}\n")
    with pytest.raises(UsageError, match=r"it has 'column_1', 'column_2'\. The first line holds a"):
        load_source(str(tmp_path / "t.csv"), "url")


def test_header_and_delimiter_can_be_given(tmp_path):
    (tmp_path / "t.csv").write_text(f"a;b\n1;{URL}\n")
    source = load_source(str(tmp_path / "t.csv"), "column_2", header=False, delimiter="semicolon")
    assert source.table.to_pylist() == [
        {"column_1": "a", "column_2": "b"},
        {"column_1": "1", "column_2": URL},
    ]
