"""Records in the store: written and read in one way, and a damaged one is reported with its key."""

import math
from dataclasses import dataclass

import pytest
from pydantic import TypeAdapter

from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.adapters.store.json_records import (
    OBJECT,
    DamagedRecord,
    load_record,
    save_record,
)


@dataclass(frozen=True)
class Point:
    x: int
    name: str


POINTS = TypeAdapter(list[Point])


@pytest.fixture
def store(tmp_path):
    return FolderStore(str(tmp_path))


@pytest.mark.parametrize("indent", [None, 2])
def test_what_is_saved_is_loaded(store, indent):
    points = [Point(1, "ä"), Point(2, "🦊")]
    save_record(store, "runs/r/points.json", POINTS, points, indent)
    assert load_record(store, "runs/r/points.json", POINTS) == points
    assert "🦊" in store.read("runs/r/points.json").decode()


def test_what_is_not_there_is_none(store):
    assert load_record(store, "runs/r/points.json", POINTS) is None


def test_a_statistic_of_nothing_stays_no_number(store):
    save_record(store, "profile.json", OBJECT, {"mean": math.nan, "most": math.inf})
    loaded = load_record(store, "profile.json", OBJECT)
    assert math.isnan(loaded["mean"])
    assert loaded["most"] == math.inf


@pytest.mark.parametrize("content", [b"", b"{", b'[{"x": "one", "name": "a"}]', b"null", b"\xff"])
def test_a_damaged_one_names_its_key_and_what_to_do(store, content):
    store.write("runs/r/points.json", content, "application/json")
    with pytest.raises(
        DamagedRecord, match=r"runs/r/points\.json is damaged \(.+\): start a new run"
    ):
        load_record(store, "runs/r/points.json", POINTS)
