"""CSV keeps every value, whatever is in the cells."""

import csv
import io
import json

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_tags.tasks.adapters.files.csv_files import csv_bytes

HOSTILE = [
    '=HYPERLINK("http://x","y")',
    "@user hi",
    "+1",
    "-2",
    "\ttab",
    'a "quote", a comma',
    "two\r\nlines",
    "<b>&amp;",
    "שלום",
]


def read_cells(data):
    return list(csv.reader(io.StringIO(data.decode(), newline="")))


def test_lists_and_nested_values_are_json_text():
    table = pa.table(
        {"parents": [["Animal", 'a "b"'], [], None], "nested": [{"a": [1, None]}, None, {"a": []}]}
    )
    header, *rows = read_cells(csv_bytes(table))
    assert header == ["parents", "nested"]
    assert [json.loads(cell) if cell else None for row in rows for cell in row] == [
        ["Animal", 'a "b"'],
        {"a": [1, None]},
        [],
        None,
        None,
        {"a": []},
    ]


def test_hostile_text_stays_as_it_is():
    table = pa.table({"text": HOSTILE, "=1+1": HOSTILE})
    assert read_cells(csv_bytes(table)) == [["text", "=1+1"], *([text, text] for text in HOSTILE)]


def test_a_very_long_cell_stays_whole():
    text = 'x"' * 500_000
    assert pd.read_csv(io.BytesIO(csv_bytes(pa.table({"text": [text]}))))["text"].tolist() == [text]


def test_for_spreadsheets_no_text_is_a_formula():
    table = pa.table({"text": [*HOSTILE, None], "=1+1": [-1.5] * 9 + [None]})
    header, *rows = read_cells(csv_bytes(table, for_spreadsheets=True))
    assert header == ["text", "'=1+1"]
    assert [row[0] for row in rows] == [
        f"'{text}" if text[0] in "=@+-\t" else text for text in HOSTILE
    ] + [""]
    assert [row[1] for row in rows] == ["-1.5"] * 9 + [""]  # a number is not a formula


@pytest.mark.parametrize(
    ("column", "texts"),
    [
        (pa.array([b"\xff\x00", None]), ["/wA=", ""]),
        (pa.array([0, None], pa.timestamp("s", "UTC")), ["1970-01-01 00:00:00+00:00", ""]),
        (pa.array([1, None], pa.time64("ns")), ["00:00:00.000000001", ""]),
        (pa.array([0, None], pa.date32()), ["1970-01-01", ""]),
        (pa.array([1, None], pa.decimal128(5, 2)), ["1.00", ""]),
        (pa.array(["a", None]).dictionary_encode(), ["a", ""]),
        (pa.array([None, None], pa.null()), ["", ""]),
        (pa.array([True, None]), ["true", ""]),
        (pa.array(["a", None], pa.large_string()), ["a", ""]),
    ],
)
def test_columns_of_any_type(column, texts):
    assert [
        row[0] for row in read_cells(csv_bytes(pa.table({"c": column, "n": [1, 2]})))[1:]
    ] == texts


def test_a_table_without_rows_becomes_a_header():
    assert read_cells(
        csv_bytes(
            pa.table({"a": pa.array([], pa.list_(pa.string())), "b": pa.array([], pa.string())})
        )
    ) == [["a", "b"]]


@given(st.lists(st.tuples(st.text(), st.lists(st.text(), max_size=3)), max_size=5))
def test_any_text_comes_back(rows):
    table = pa.table(
        {
            "text": pa.array([r[0] for r in rows], pa.string()),
            "list": pa.array([r[1] for r in rows], pa.list_(pa.string())),
        }
    )
    assert [(row[0], json.loads(row[1])) for row in read_cells(csv_bytes(table))[1:]] == rows
