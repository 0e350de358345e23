"""Columns of every type and name, from a Parquet source into every output and back."""

import csv
import datetime
import io
import json

import duckdb
import pyarrow as pa
import pytest

from image_tags.tasks.adapters.files.tables import parquet_table
from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.athena import create_table
from image_tags.tasks.check.gate import check_files
from image_tags.tasks.contracts.settings import PublishSettings
from image_tags.tasks.contracts.tables import IMAGES, schema_of, wide_columns
from image_tags.tasks.publish import publish_version
from image_tags.tasks.read import read_tables
from tests.support.every_type import COLUMNS, SOURCE
from tests.support.staged import WIDTHS, Staged, stage_run

ROWS = pa.array([0, 1, 1, 2])
"""The source rows of `tagged`: row 1 has two links."""

OURS = [*schema_of(IMAGES).names, *schema_of(wide_columns(WIDTHS)).names[1:]]


class Published:
    """A version with a source of these columns behind `likes` and `url`."""

    def __init__(self, folder, columns, rename=None):
        self.staged = Staged(rows=3, more=columns, rename=rename)
        self.store = FolderStore(str(folder))
        summary = stage_run(self.store, "r1", self.staged)
        self.keys = publish_version(
            self.store, "r1", summary, PublishSettings(csv=True)
        ).pointer.tables
        self.folder = folder
        self.path = folder / self.keys["tagged"]

    @property
    def failed(self):
        return [
            one
            for one in check_files(self.staged.files, self.staged.context).findings
            if not one.success
        ]


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    return Published(
        tmp_path_factory.mktemp("store"),
        {name: SOURCE.column(name) for name in SOURCE.column_names},
    )


def test_the_gate_lets_them_pass(published):
    assert published.failed == []


def test_parquet_keeps_their_types_order_and_values(published):
    tagged = parquet_table(published.path.read_bytes())
    assert tagged.column_names == [
        "likes",
        "url",
        *COLUMNS,
        "row",
        "position",
        "image_tags_url",
        *OURS[3:],
    ]
    for name, given in COLUMNS.items():
        column = tagged.column(name)
        as_read = "view" in name  # Arrow's views become plain texts and bytes, which say the same
        assert as_read or str(column.type).replace("element", "item").replace(
            " ('map')", ""
        ) == str(given.type), name
        assert repr(column.to_pylist()) == repr(
            [given.to_pylist()[at] for at in ROWS.to_pylist()]
        ), name


def test_the_reader_gives_each_cell_whole(published):
    tagged = read_tables(published.folder)["tagged"]
    assert list(tagged.columns)[2 : 2 + len(COLUMNS)] == list(COLUMNS)
    for name in COLUMNS:
        column = SOURCE.column(name).take(ROWS).combine_chunks()
        back = pa.Array.from_pandas(tagged[name], type=column.type)
        # pandas does not tell a number that is none from an empty cell.
        assert repr(back.to_pylist()).replace("nan", "None") == repr(column.to_pylist()).replace(
            "nan", "None"
        ), name
    assert (tagged["uint64"].dtype, tagged["int8"].dtype, tagged["row"].dtype) == (
        "UInt64",
        "Int8",
        "Int64",
    )


IN_DUCKDB = {
    "map": [{"k": 1}, None, {}],
    "long decimal": [1.5, None, -2.0],  # the nearest that it has
    "zoned": [
        datetime.datetime(1970, 1, 1, 0, 0, 0, at, datetime.UTC) if at is not None else None
        for at in (0, None, 1)
    ],
    "nanoseconds": [
        datetime.datetime(1970, 1, 1),
        None,
        datetime.datetime(1970, 1, 1),
    ],  # Python shows no finer ones
    "duration": [1, None, 2],  # microseconds
}


def test_duckdb_gives_each_cell_whole(published):
    read = duckdb.connect().sql(
        f"SELECT * FROM read_parquet('{published.path}') ORDER BY row, position"
    )
    names = read.columns[2 : 2 + len(COLUMNS)]
    assert [there if name else "" for there, name in zip(names, COLUMNS, strict=True)] == list(
        COLUMNS
    )  # "" gets a name
    rows = read.fetchall()
    for at, (name, given) in enumerate(COLUMNS.items(), 2):
        cells = IN_DUCKDB.get(name) or given.to_pylist()
        same = [row[at] for row in rows] == [cells[row] for row in ROWS.to_pylist()]
        assert same or "nan" in repr(cells), name


def test_csv_has_each_cell_as_text(published):
    text = published.path.with_suffix(".csv").read_bytes().decode()
    header, *rows = csv.reader(io.StringIO(text, newline=""))
    assert header == parquet_table(published.path.read_bytes()).column_names
    cells = {name: [row[at] for row in rows] for at, name in enumerate(header)}
    assert {cells[name][1] for name in COLUMNS} == {""}
    assert json.loads(cells["struct"][0]) == {"a": 1.0, "b": {"c": ["x"]}}
    assert json.loads(cells["map"][0]) == [["k", 1]]
    firsts = {
        "list of views": '["a"]',
        "decimal": "1.50",
        "zoned": "1970-01-01 01:00:00+01:00",
        "nanoseconds": "1970-01-01 00:00:00.000000001",
        "time in nanoseconds": "00:00:00.000000001",
        "duration": "0:00:00.000001",
        "binary": "/wA=",
        "uint64": str(2**64 - 1),
        "uuid": "00000000-0000-0000-0000-000000000001",
        "NUL": "a\0b",
        list(COLUMNS)[-1]: "\u202etfel ot thgir",
    }
    assert {name: cells[name][0] for name in firsts} == firsts


def test_athena_is_told_of_each_column_that_it_can_read(published):
    with pytest.warns(UserWarning, match="Left out of the table for Athena") as warned:
        sql = create_table("tagged", parquet_table(published.path.read_bytes()).schema, "s3://b/")
    left_out = {
        "",
        "struct of an odd name",
        "long decimal",
        "time",
        "time in nanoseconds",
        "duration",
        "float16",
    }
    named = {name for name in COLUMNS if f"  `{name.lower().replace('`', '``')}` " in sql}
    assert named == set(COLUMNS) - left_out
    assert all(f"{name!r}: Athena " in str(warned[0].message) for name in left_out)
    assert "  `fixed list` array<string>" in sql
    assert "  `json` string" in sql
    assert "  `uuid` binary" in sql


CLASHES = {
    "all of ours": OURS,
    "all of ours in capitals": [name.upper() for name in OURS],
    "ours with its prefix": ["url", "image_tags_url", "Image_Tags_Image_Tags_URL", "STATUS"],
    "two that differ in capitals": ["media", "Media", "MEDIA"],
}


@pytest.mark.parametrize("clash", CLASHES)
def test_columns_named_like_ours_keep_their_names_and_ours_can_be_told_apart(clash, tmp_path):
    names = CLASHES[clash]
    given = Published(
        tmp_path, {name: pa.array([f"their {name}", None, "x"]) for name in names}, {"url": "links"}
    )
    assert given.failed == []
    tagged = parquet_table(given.path.read_bytes())
    theirs, ours = tagged.column_names[: len(names) + 2], tagged.column_names[len(names) + 2 :]
    assert theirs == ["likes", "links", *names]
    assert all(tagged.column(name)[0].as_py() == f"their {name}" for name in names)
    assert all(
        one.removeprefix("image_tags_").endswith(name) for one, name in zip(ours, OURS, strict=True)
    )
    assert len({name.casefold() for name in (*theirs, *ours)}) == len(ours) + len(
        {name.casefold() for name in theirs}
    )
    status, url = (ours[OURS.index(name)] for name in ("status", "url"))
    query = (
        f'SELECT "{status}", "{url}" FROM read_parquet(\'{given.path}\') '
        f'ORDER BY "{ours[0]}", "{ours[1]}"'
    )
    read = duckdb.connect().sql(query).fetchall()
    assert sorted(read, key=str) == sorted(
        zip(*(tagged.column(name).to_pylist() for name in (status, url)), strict=True), key=str
    )
    assert read_tables(tmp_path)["tagged"][status].tolist() == tagged.column(status).to_pylist()
