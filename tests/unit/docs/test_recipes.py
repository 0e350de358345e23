"""The recipes for analysts in docs/tables.md and docs/effects.md are run as they stand there."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from image_tags.tasks.adapters.files.csv_files import csv_bytes
from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.contracts.settings import PublishSettings
from image_tags.tasks.contracts.tables import TAGS_LONG, schema_of
from image_tags.tasks.publish import publish_version
from tests.support.staged import Staged, a_tag, stage_run

DOCS = Path(__file__).parents[3] / "docs"
ROWS = 300
WORDS = ("NA", "null", "None", "nan", "N/A", "", 'say "no", twice', "-", "1e3", "#N/A")


def read_block(document, words):
    """The one block of Python in a document that has these words in it."""
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / document).read_text("utf-8"), re.DOTALL)
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
    read = run_block("tables.md", "pd.read_csv(")["tags"]
    assert read["name"].tolist() == table["name"].to_pylist()
    assert read["parents"].tolist() == table["parents"].to_pylist()
    assert read["details"].tolist() == table["details"].to_pylist()
    for column in ("rank", "confidence", "left", "instances"):
        expected = pd.Series(table[column].to_pylist(), dtype="float64")
        pd.testing.assert_series_equal(read[column].astype("float64"), expected, check_names=False)


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
