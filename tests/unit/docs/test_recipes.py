"""The recipes for analysts in docs/tables.md and docs/effects.md are run as they stand there."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from image_tags.tasks.adapters.files.csv_files import csv_bytes
from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.contracts.settings import PublishSettings
from image_tags.tasks.contracts.tables import TAGS_LONG, schema_of
from image_tags.tasks.publish import publish_version
from image_tags.tasks.published.codebook import write_codebook
from tests.support.staged import Staged, a_tag, stage_run

DOCS = Path(__file__).parents[3] / "docs"
ROWS = 300
WORDS = ("NA", "null", "None", "nan", "N/A", "", 'say "no", twice', "-", "1e3", "#N/A")


def read_block(document, words, language="python"):
    """The one block of a language in a document that has these words in it."""
    text = (DOCS / document).read_text("utf-8")
    blocks = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
    (found,) = [block for block in blocks if words in block]
    return found


def run_block(document, words):
    """Run a block; returns its variables."""
    names = {}
    exec(compile(read_block(document, words), document, "exec"), names)
    return names


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a store in which a version is published."""
    folder = tmp_path_factory.mktemp("recipes")
    random = np.random.default_rng(4)
    more = {
        "author": pa.array([f"author {n}" for n in random.integers(0, 40, ROWS)]),
        "followers": pa.array(random.integers(10, 10_000, ROWS)),
        "weekday": pa.array(random.choice(["Mon", "Tue", "Sun"], ROWS)),
    }
    store = FolderStore(str(folder / "image-tags-store"))
    staged = Staged(ROWS, more=more)
    # Each picture is of one of seven things: one thing less, and they do not add up to a constant.
    tags = staged.tables["tags_long"]
    staged.tables["tags_long"] = tags.filter(pc.not_equal(tags["name"], "Thing 0"))
    publish_version(store, "r1", stage_run(store, "r1", staged), PublishSettings())
    return folder


LONG = "a_name_longer_than_the_32_letters_of_Stata"
ODD = {
    "id": pa.array([1_540_000_000_000_000_000 + row for row in range(30)]),
    "postcode": pa.array(["00501"] * 30),
    "author": pa.array([*WORDS, *["Zoë"] * 20]),
    "text": pa.array(["\U0001f600" * 1_000, "line\nline", "=1+1", *["x" * 3_000] * 27]),
    f"{LONG}_1": pa.array(["1e3"] * 30),
    f"{LONG}_2": pa.array(["2"] * 30),
    "my column": pa.array(["3"] * 30),
    "0start": pa.array(["4"] * 30),
    "class": pa.array(["5"] * 30),
}
"""Columns that a program for statistics or a spreadsheet may spoil."""


@pytest.fixture
def csv_folder(tmp_path, monkeypatch):
    """A folder, the working directory, with CSV files and the codebook of a version."""
    store, staged = FolderStore(str(tmp_path)), Staged(more=ODD)
    publish_version(store, "r1", stage_run(store, "r1", staged), PublishSettings(csv=True))
    (rows,) = tmp_path.glob("published/*/rows.csv")
    schemas = {name: table.schema for name, table in staged.tables.items()}
    (rows.parent / "codebook.csv").write_text(write_codebook(schemas), "utf-8")
    monkeypatch.chdir(rows.parent)
    return rows.parent


@pytest.fixture(autouse=True)
def _in_folder(folder, monkeypatch):
    monkeypatch.chdir(folder)


def test_rows_are_joined_with_labels():
    names = run_block("tables.md", 'rows.groupby("Cat")')
    assert set(names["labels"].columns) >= {"Cat", "Animal", "Thing 1"}
    assert len(names["rows"]) == ROWS - ROWS // 10
    medians = names["rows"].groupby("Thing 1")["likes"].median()
    assert medians.index.tolist() == [0, 1]


def test_matrices_have_a_line_per_row_or_picture():
    names = run_block("tables.md", "expand_faces(")
    assert len(names["model_data"]) == len(names["labels"]) == ROWS - ROWS // 10
    assert names["words"].sum().sum() == (names["tables"]["tags_long"]["kind"] == "word").sum()
    assert names["faces"].empty


def test_pandas_reads_every_word_number_and_list_of_the_csv(folder):
    words = [a_tag(1, "word", n, word) for n, word in enumerate(WORDS, 1) if word]
    tags = [*words, a_tag(2, "label", 1, "Cat", left=0.5, instances=2, parents=["Animal", "null"])]
    table = pa.Table.from_pylist(tags, schema=schema_of(TAGS_LONG))
    (folder / "tags_long.csv").write_bytes(csv_bytes(table))
    read = run_block("tables.md", 'pd.read_csv("tags_long')["tags"]
    assert read["name"].tolist() == table["name"].to_pylist()
    assert read["parents"].tolist() == table["parents"].to_pylist()
    assert read["details"].tolist() == table["details"].to_pylist()
    for column in ("rank", "confidence", "left", "instances"):
        expected = pd.Series(table[column].to_pylist(), dtype="float64")
        pd.testing.assert_series_equal(read[column].astype("float64"), expected, check_names=False)


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="R runs the recipe")
@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_r_keeps_ids_and_words_and_finds_the_labels_of_rows(csv_folder, monkeypatch, locale):
    told = """
    bytes <- function(text) paste(charToRaw(text), collapse = "")
    authors <- vapply(rows$author, bytes, "")
    told <- data.frame(rows$id, rows$postcode, authors, rows$n_faces, rows$has_text, rows$has_cat,
                       rows$likes * 2)
    write.table(told, quote = FALSE, row.names = FALSE, col.names = FALSE, sep = ",")
    cat(sum(is.na(rows$author)), nchar(rows$author[30]), sum(tags$name == "SALE"),
        mean(tags$confidence) > 0)
    """
    monkeypatch.setenv("LC_ALL", locale)
    script = csv_folder / "recipe.R"
    script.write_text(read_block("tables.md", "read.csv(", "r") + told, "utf-8")
    run = subprocess.run(["Rscript", script], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    *lines, last = run.stdout.splitlines()
    for row, line in enumerate(lines):
        read = row % 10 != 0
        cat = read and min(row, 28) % 5 != 0  # a celebrity's picture keeps no labels
        assert line.split(",") == [
            str(ODD["id"][row]),
            "00501",
            ODD["author"][row].as_py().encode().hex(),
            "0" if read and cat else ("1" if read else "NA"),
            "TRUE" if read else "NA",
            str(cat).upper() if read else "NA",
            str(2 * row),
        ]
    assert len(lines) == 30
    assert last == "0 3 26 TRUE"


def test_stata_reads_names_labels_and_texts_within_its_limits(csv_folder):
    with pytest.warns(pd.io.stata.InvalidColumnName, match="class   ->   _class"):
        run_block("tables.md", "to_stata(")
    with pd.io.stata.StataReader(csv_folder / "rows.dta") as reader:
        read, labels = reader.read(), reader.variable_labels()
    for name in labels:
        assert re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,31}", name)
    assert max(map(len, labels.values())) == 80
    names = list(labels)
    assert len(names) == len(csv_columns("rows.csv"))
    full = [f"{LONG}_1", f"{LONG}_2", "my column", "0start"]
    assert [labels[names[2 + at]] for at in range(4, 8)] == full
    assert labels["n_links"] == "links in the row"
    assert read["id"].tolist() == [str(one) for one in ODD["id"]]
    for column in ("postcode", "author", "text"):
        assert read[column].tolist() == ODD[column].to_pylist()
    assert read["row"].tolist() == list(range(30))
    assert read["has_text"].isna().tolist() == [row % 10 == 0 for row in range(30)]
    assert read["likes"].dtype.kind in "if"
    assert json.loads(read["labels"][1])[0] == "Cat"


def test_a_workbook_keeps_ids_codes_and_words_as_text(csv_folder):
    openpyxl = pytest.importorskip("openpyxl")
    pytest.importorskip("xlsxwriter")
    run_block("tables.md", "ExcelWriter(")
    head, *lines = openpyxl.load_workbook(csv_folder / "rows.xlsx").active.iter_rows()
    at = {cell.value: number for number, cell in enumerate(head)}
    assert list(at) == csv_columns("rows.csv")
    for column in set(ODD) - {"author"}:
        cells = [line[at[column]] for line in lines]
        assert {cell.data_type for cell in cells} == {"s"}
        assert [cell.value for cell in cells] == [str(one) for one in ODD[column].to_pylist()]
    authors = [line[at["author"]].value or "" for line in lines]
    assert authors == ODD["author"].to_pylist()
    assert {line[at["likes"]].data_type for line in lines} == {"n"}


@pytest.mark.parametrize("table", ["tagged", "rows", "tags_wide", "images", "tags_long"])
def test_each_field_of_a_published_file_has_its_description(csv_folder, table):
    fields = pq.read_schema(csv_folder / f"{table}.parquet")
    described = {field.name: (field.metadata or {}).get(b"description") for field in fields}
    codebook = pd.read_csv("codebook.csv", keep_default_na=False).query("table == @table")
    assert {name: text.decode() for name, text in described.items()} == dict(
        zip(codebook["column"], codebook["description"], strict=True)
    )
    if table == "tagged":
        assert described["label_1"] == b"label of rank 1"


def csv_columns(name):
    return list(pd.read_csv(name, nrows=0).columns)


@pytest.mark.filterwarnings("ignore")  # of a fit at the edge: authors do not differ here
def test_the_regression_is_fitted_with_errors_by_author():
    pytest.importorskip("statsmodels")
    names = run_block("effects.md", "smf.mixedlm")
    assert names["robust"].cov_type == "cluster"
    assert names["mixed"].model.n_groups == 40
    labels = [name for name in names["table"].index if name.startswith("Thing")]
    assert len(labels) == 6
    assert "Cat" not in names["names"]  # every row has it
    assert names["table"].loc[labels, "P>|z|"].between(0, 1).all()
