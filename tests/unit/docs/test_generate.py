"""The docs of the tables: current, and what they tell people to do works."""

import re
from pathlib import Path

import duckdb
import pytest

from docs.generate import make_parts, update_parts
from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.contracts.settings import PublishSettings
from image_tags.tasks.publish import publish_version
from image_tags.tasks.read import read_tables
from tests.support.staged import Staged, stage_run

DOCS = Path(__file__).parents[3] / "docs"


@pytest.mark.parametrize("name", ["tables.md", "reasons.md"])
def test_the_docs_are_current(name):
    text = (DOCS / name).read_text("utf-8")
    assert update_parts(text) == text, "run: uv run python -m docs.generate"


def test_every_generated_part_stands_somewhere():
    text = "".join((DOCS / name).read_text("utf-8") for name in ("tables.md", "reasons.md"))
    assert set(re.findall(r"<!-- begin (.+?) -->", text)) == set(make_parts())


def test_a_part_that_is_old_is_update_parts():
    assert "unsafe_address" in update_parts(
        "<!-- begin rejected reasons -->\nold\n<!-- end rejected reasons -->"
    )
    with pytest.raises(KeyError, match="no such"):
        update_parts("<!-- begin no such -->\n<!-- end no such -->")


@pytest.fixture
def published(tmp_path, monkeypatch):
    store = FolderStore(str(tmp_path / "image-tags-store"))
    publish_version(store, "r", stage_run(store, "r", Staged(rows=30)), PublishSettings())
    monkeypatch.chdir(tmp_path)
    return store


def code(language):
    return re.findall(
        rf"```{language}\n(.*?)```", (DOCS / "tables.md").read_text("utf-8"), flags=re.DOTALL
    )


def test_the_lines_for_pandas_load_the_current_version(published):
    loaded = {}
    exec(code("python")[0], loaded)
    assert len(loaded["tables"]["tagged"]) == 33
    assert set(loaded["labels"].columns) >= {"Cat", "Pet"}


def test_the_lines_for_duckdb_load_the_current_version(published, monkeypatch):
    monkeypatch.chdir("image-tags-store")
    long = read_tables(".", tables=["tags_long"])["tags_long"]
    labels = long[long["kind"] == "label"].groupby("name")["image_id"].nunique()
    with duckdb.connect() as connection:
        for statement in code("sql")[0].strip().split(";\n"):
            connection.execute(statement)
        found = connection.fetchall()
    assert dict(found) == labels.to_dict()
    assert [count for _, count in found] == sorted((count for _, count in found), reverse=True)
