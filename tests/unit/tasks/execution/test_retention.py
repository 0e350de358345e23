"""Old runs go, and nothing else."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.adapters.store.store import JSON, PARQUET
from image_tags.tasks.execution.retention import GIVEN_UP_AFTER, prune_runs
from image_tags.tasks.execution.run_folder import name_of_run

NOW = datetime.now(UTC)


def make_run(store, hours_ago, *, finished=True, source=None):
    """A run of some hours ago, with files; returns its name."""
    run = name_of_run(NOW - timedelta(hours=hours_ago), f"{hours_ago:012}")
    store.write(f"runs/{run}/fetched/a.json", b"[]", JSON)
    if source:
        settings = json.dumps({"source": store.locate(source)})
        store.write(f"runs/{run}/settings.json", settings.encode(), JSON)
    if finished:
        store.write(f"runs/{run}/summary.json", b"{}", JSON)
    return run


def runs_in(store):
    return sorted({key.split("/")[1] for key in store.keys("runs/")}, reverse=True)


@pytest.fixture
def store(tmp_path):
    return FolderStore(str(tmp_path))


def test_the_newest_runs_stay(store):
    runs = [make_run(store, hours) for hours in range(6)]
    assert prune_runs(store, 3, runs[0]) == runs[3:]
    assert runs_in(store) == runs[:3]
    assert prune_runs(store, 3, runs[0]) == []


def test_a_run_that_may_be_at_work_keeps_its_files_until_it_is_very_old(store):
    runs = [make_run(store, hours) for hours in range(3)]
    working = make_run(store, 5, finished=False)
    crashed = make_run(store, 24 * GIVEN_UP_AFTER.days + 1, finished=False)
    assert prune_runs(store, 1, runs[0]) == [*runs[1:], crashed]
    assert runs_in(store) == [runs[0], working]


def test_the_current_run_stays_whatever_its_age(store):
    current = make_run(store, 2000)
    others = [make_run(store, hours) for hours in range(3)]
    prune_runs(store, 2, current)
    assert runs_in(store) == [others[0], current]


def test_other_files_are_left_alone(store):
    store.write("published/current.json", b"{}", JSON)
    current = make_run(store, 0)
    make_run(store, 1)
    prune_runs(store, 1, current)
    assert list(store.keys("published/")) == ["published/current.json"]


def test_copies_of_frames_go_with_the_last_run_that_was_made_from_them(store):
    copies = {name: f"sources/frame-{name}.parquet" for name in ("new", "both", "old", "waiting")}
    for key in copies.values():
        store.write(key, b"", PARQUET)
    current = make_run(store, 0, source=copies["new"])
    make_run(store, 1, source=copies["both"])
    make_run(store, 2, finished=False, source="feed.csv")
    make_run(store, 3, source=copies["both"])
    make_run(store, 4, source=copies["old"])
    make_run(store, 5, source="feed.csv")
    prune_runs(store, 5, current)
    assert set(store.keys("sources/")) == set(copies.values())
    prune_runs(store, 2, current)
    # A copy that no run has begun with is left: its run may be about to begin.
    assert set(store.keys("sources/")) == {copies[name] for name in ("new", "both", "waiting")}
    prune_runs(store, 1, current)
    assert set(store.keys("sources/")) == {copies[name] for name in ("new", "waiting")}


@pytest.mark.parametrize("settings", [b"", b"[]", b"{}", b"\xff"])
def test_settings_that_cannot_be_read_keep_no_run_from_going(store, settings):
    current, old = make_run(store, 0), make_run(store, 1)
    store.write(f"runs/{old}/settings.json", settings, JSON)
    assert prune_runs(store, 1, current) == [old]


@given(st.lists(st.tuples(st.integers(0, 100), st.booleans()), max_size=8), st.integers(1, 5))
def test_as_many_finished_runs_are_left_as_asked_for(tmp_path_factory, given_runs, keep):
    store = FolderStore(str(tmp_path_factory.mktemp("store")))
    current = make_run(store, 0)
    hours = {hours + 1: finished for hours, finished in given_runs}
    made = {make_run(store, age, finished=finished): finished for age, finished in hours.items()}
    prune_runs(store, keep, current)
    left = runs_in(store)
    assert current in left
    assert sum(made.get(run, True) for run in left) == min(keep, 1 + sum(made.values()))
    assert {run for run, finished in made.items() if not finished} <= set(left)
