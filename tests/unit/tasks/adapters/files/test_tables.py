"""Tables as bytes."""

import bz2
import contextlib
import csv
import gzip
import io
import json
import lzma

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_tags.tasks.adapters.files.tables import parquet_bytes, parquet_table, read_table
from image_tags.tasks.contracts.errors import UsageError

DAMAGED = gzip.compress(b"a,b\n" + b"1,2\n" * 1000, mtime=0)
DAMAGED = DAMAGED[:12] + b"\xff" * 8 + DAMAGED[20:]

CELLS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0\r"), max_size=20)


def table_from(name, data, **options):
    return read_table(name, data, **options).table


def written(rows, separator=","):
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=separator).writerows(rows)
    return out.getvalue().encode()


@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=8), st.sampled_from([",", "\t"]))
def test_a_written_table_reads_back_cell_by_cell(rows, separator):
    name = "t.csv" if separator == "," else "t.tsv"
    table = table_from(name, written([("first", "second"), *rows], separator))
    texts = [
        ["" if cell is None else str(cell) for cell in row.values()] for row in table.to_pylist()
    ]
    assert texts == [list(row) for row in rows]


def test_numbers_become_numbers_only_where_nothing_is_lost():
    table = table_from("t.csv", b"id,zip,likes,share,mixed\n1,00501,10,0.5,1\n2,10001,,1.25,x\n")
    types = {field.name: field.type for field in table.schema}
    assert types == {
        "id": pa.int64(),
        "zip": pa.string(),
        "likes": pa.int64(),
        "share": pa.float64(),
        "mixed": pa.string(),
    }
    assert table.column("likes").to_pylist() == [10, None]
    assert table.column("zip").to_pylist() == ["00501", "10001"]


@pytest.mark.parametrize(
    "value", ["1e5", "1.10", "+1", "0x10", "1_000", "99999999999999999999", "-0", "nan", "inf"]
)
def test_numbers_that_would_be_written_otherwise_stay_text_or_the_same(value):
    cell = table_from("t.csv", f"n\n{value}\n".encode()).column("n").to_pylist()[0]
    assert str(cell) == value


def test_short_rows_are_filled_and_long_ones_refused():
    assert table_from("t.csv", b"a,b\n1\n").to_pylist() == [{"a": 1, "b": None}]
    with pytest.raises(UsageError, match="row 2 has 3 cells under 2 column names"):
        table_from("t.csv", b"a,b\n1,2\n1,2,3\n")


def test_column_names_are_kept_and_made_unique():
    assert table_from("t.csv", b"a,a,,a.1\n1,2,3,4\n").column_names == ["a", "a.2", "", "a.1"]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("t.jsonl", b'{"a": 1, "b": ["x"]}\n\n{"a": 2}\n'),
        ("t.json", b'[{"a": 1, "b": ["x"]}, {"a": 2}]'),
        ("t.txt", b'{"a": 1, "b": ["x"]}\n{"a": 2}\n'),
        ("t.jsonl.gz", gzip.compress(b'{"a": 1, "b": ["x"]}\n{"a": 2}', mtime=0)),
    ],
)
def test_json_lines(name, data):
    assert table_from(name, data).to_pylist() == [{"a": 1, "b": ["x"]}, {"a": 2, "b": None}]


def test_json_of_mixed_types_becomes_text_and_loses_nothing():
    values = [1, "x", {"k": [1]}, None, 2**80]
    lines = "\n".join(json.dumps({"v": value}) for value in values).encode()
    assert table_from("t.jsonl", lines).column("v").to_pylist() == [
        "1",
        "x",
        '{"k": [1]}',
        None,
        str(2**80),
    ]


@pytest.mark.parametrize(
    "name", ["t.csv", "t.tsv", "t.csv.gz", "t.jsonl", "t.json", "t.jsonl.gz", "t.parquet"]
)
@given(share=st.floats(0, 1))
def test_a_file_that_is_cut_short_is_a_table_or_a_sentence(name, share):
    """As one is that someone is still writing."""
    rows = pa.table({"u": ["http://a.example/ä.png", 'b "c"'], "n": [1, 2]})
    separator = "\t" if "tsv" in name else ","
    if "parquet" in name:
        data = parquet_bytes(rows)
    elif "json" in name:
        data = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows.to_pylist()).encode()
    else:
        data = written([rows.column_names, *(row.values() for row in rows.to_pylist())], separator)
    data = gzip.compress(data) if name.endswith("gz") else data
    with contextlib.suppress(UsageError):
        assert table_from(name, data[: round(len(data) * share)]).num_rows <= 2


def test_json_keeps_what_arrow_would_bend_or_parquet_not_hold():
    lines = (
        '{"mixed": true, "nested": [1.5, true], "geo": {}, "places": [{}], '
        '"half": "\\ud83d", "\\ud83d": ["\\ud83d"]}\n'
        '{"mixed": 1.5, "nested": null, "geo": null, "places": [], '
        '"half": "\\ud83d\\ude00", "\\ud83d": null}\n'
    )
    table = parquet_table(parquet_bytes(table_from("t.jsonl", lines.encode())))
    assert table.to_pydict() == {
        "mixed": ["true", "1.5"],
        "nested": ["[1.5, true]", None],
        "geo": ["{}", None],
        "places": ["[{}]", "[]"],
        "half": ["\\ud83d", "\U0001f600"],
        "\\ud83d": ['["\\ud83d"]', None],
    }


def test_json_that_goes_very_deep_is_text():
    deep = "[" * 400 + "]" * 400
    column = table_from("t.jsonl", f'{{"deep": {deep}, "flat": [[1]]}}'.encode())
    assert column.column("deep").to_pylist() == [deep]
    assert column.column("flat").to_pylist() == [[[1]]]


def test_control_and_direction_characters_are_kept():
    text = "\0 \x1b[2J \u202etfel ot thgir\u2028"
    assert table_from("t.jsonl", json.dumps({"v": text}).encode()).to_pylist() == [{"v": text}]


def test_parquet_goes_round():
    table = pa.table(
        {"url": ["http://a.example"], "when": pd.to_datetime(["2026-01-01"]), "l": [["a", "b"]]}
    )
    assert table_from("t.parquet", parquet_bytes(table)).equals(table)
    assert parquet_table(parquet_bytes(table), ["url"]).column_names == ["url"]


def test_parquet_columns_of_one_name_are_told_apart():
    twice = pa.table([[1], ["http://a.example"], ["x"]], names=["n", "url", "n"])
    assert table_from("t.parquet", parquet_bytes(twice)).to_pylist() == [
        {"n": 1, "url": "http://a.example", "n.1": "x"}
    ]


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("id;url\n1;http://a,b\n", {"id": 1, "url": "http://a,b"}),
        ('"a,b";"c"\n"1,5";"x;y"\n', {"a,b": "1,5", "c": "x;y"}),
        ("a;b,c\n1,2\n", {"a;b": 1, "c": 2}),
        ('"a;b"\nx;y\n', {"a;b": "x;y"}),
    ],
)
def test_semicolons_part_cells_where_no_comma_stands_in_the_header(text, cells):
    assert table_from("t.csv", text.encode()).to_pylist() == [cells]
    assert table_from("t.csv", text.encode("utf-16")).to_pylist() == [cells]


def test_excel_marks_and_utf_16_are_read():
    assert table_from("t.csv", "\ufeffa\nä\n".encode()).to_pylist() == [{"a": "ä"}]
    assert table_from("t.csv", "a\nä\n".encode("utf-16")).to_pylist() == [{"a": "ä"}]


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("t.csv", b"", "is empty"),
        ("t.csv", b" \n\n", "is empty"),
        ("t.csv", b"\x89PNG\r\n\x1a\n\0\0", "is not a table"),
        ("t.csv", b"a\0b", "is not a table"),
        (
            "t.csv",
            "id,Stra\u00dfe\n".encode("latin-1"),
            r"text in UTF-8 \(save other encodings as that\)",
        ),
        (
            "t.csv",
            "id,text\n".encode("utf-16-le"),
            r"text in UTF-8 \(save other encodings as that\)",
        ),
        ("t.csv", b"a;b\n1;2;3\n", "a cell with a semicolon in it must be quoted"),
        ("t.jsonl", b"", "is empty"),
        ("t.parquet", b"", "is empty"),
        ("t.csv", b'a,b\n"1,2\n', "never closed"),
        ("t.parquet", b"a,b\n1,2\n", "is not a Parquet file"),
        ("t.parquet", b"PAR1 and then nothing", "damaged Parquet"),
        ("t.jsonl", b'{"a": 1}\nnot json', "is not JSON Lines"),
        ("t.jsonl", b"[1, 2]", "record 1 is not an object"),
        ("t.csv.gz", b"\x1f\x8b broken", "gzip"),
        ("t.csv.gz", DAMAGED, "gzip"),
        ("t.csv.bz2", bz2.compress(b"a\n1\n"), "packed by bzip2.*gzip"),
        ("t.csv.xz", lzma.compress(b"a\n1\n"), "packed by xz.*gzip"),
        ("t.csv.zst", b"\x28\xb5\x2f\xfd\x04\x00", "packed by zstd.*gzip"),
        ("t.xlsx", b"PK\x03\x04\x14\x00", "zip archive or a spreadsheet"),
    ],
)
def test_what_is_no_table_gets_a_sentence(name, data, sentence):
    with pytest.raises(UsageError, match=sentence):
        table_from(name, data)
