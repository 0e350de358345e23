"""Check, publish, read, go back: on a folder and on a real S3 server."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from threading import Barrier

import pytest

from image_tags.expectations.profile import Profile
from image_tags.tasks.athena import athena_table
from image_tags.tasks.check.step import check_staged
from image_tags.tasks.contracts.checks import Checked
from image_tags.tasks.contracts.errors import StopRun, UsageError
from image_tags.tasks.contracts.settings import PublishSettings, Settings
from image_tags.tasks.contracts.tables import PUBLISHED, published_tables
from image_tags.tasks.publish import publish_version
from image_tags.tasks.published.pointer import CURRENT, PublishedMeanwhile, read_pointer
from image_tags.tasks.published.versions import list_versions, roll_back
from image_tags.tasks.read import read_tables
from tests.support.staged import WIDTHS, Staged, stage_run

PLAIN = PublishSettings()
PROFILE = Profile(3, 3, 3, 1.0, 0.0, {"label": 3}, {"Cat": 3})


@pytest.fixture(autouse=True)
def _quick_gate(monkeypatch):
    """What the gate finds has its own tests; here only what is kept of it matters."""
    checked = Checked([], asdict(PROFILE))
    monkeypatch.setattr("image_tags.tasks.check.gate.check_opened", lambda *_: checked)


def settings(store, metric=()):
    widths = {
        f"wide_{kind}": width
        for kind, width in zip(("celebrities", "labels", "words"), WIDTHS.values(), strict=True)
    }
    return Settings(source="x.csv", store=store.address, metric=metric, **widths)


def checked_run(store, run, rows=None, **more):
    """A run whose tables are staged and checked, ready to be published; returns its summary.

    Each run has another number of rows, by its name, so that it has something new to publish.
    """
    rows = rows or 3 + sum(map(ord, run)) % 20
    summary = stage_run(store, run, Staged(rows=rows, **more))
    check_staged(store, run, settings(store, more.get("metrics", ())))
    return summary


def test_what_is_published_is_what_was_staged(store):
    summary = checked_run(store, "r1", metrics=("likes",))
    publication = publish_version(store, "r1", summary, PLAIN)
    assert set(publication.pointer.tables) == set(published_tables(["likes"]))
    for name, key in publication.pointer.tables.items():
        assert key == f"published/v-r1/{name}.parquet"
        assert store.read(key) == store.read(f"runs/r1/{name}.parquet")
    assert json.loads(store.read("published/v-r1/summary.json")) == summary
    assert store.exists("published/v-r1/report.html")
    assert not any(key.endswith(".csv") for key in store.keys("published/"))
    pointer, _ = read_pointer(store)
    assert pointer == publication.pointer


def test_of_two_runs_one_wins_and_the_other_says_so(store):
    summaries = {run: checked_run(store, run) for run in ("r1", "r2")}
    start = Barrier(2)

    def try_it(run):
        start.wait()
        try:
            return publish_version(store, run, summaries[run], PLAIN).pointer.version
        except PublishedMeanwhile as lost:
            return lost

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(try_it, summaries))
    won = [one for one in outcomes if isinstance(one, str)]
    lost = [one for one in outcomes if isinstance(one, PublishedMeanwhile)]
    assert len(won) == len(lost) == 1
    assert lost[0].winner == won[0]
    assert won[0] in str(lost[0])
    assert read_pointer(store)[0].version == won[0]
    assert {key.split("/")[1] for key in store.keys("published/")} - {
        "current.json",
        "latest",
    } == set(won)


def test_a_run_that_was_checked_against_an_older_version_does_not_publish_over_a_newer_one(store):
    early, late = checked_run(store, "early"), checked_run(store, "late")
    publish_version(store, "late", late, PLAIN)
    before = store.read(CURRENT)
    with pytest.raises(PublishedMeanwhile, match="v-late"):
        publish_version(store, "early", early, PLAIN)
    assert store.read(CURRENT) == before
    check_staged(store, "early", settings(store))  # as a retry does
    assert publish_version(store, "early", early, PLAIN).pointer.version == "v-early"


def test_a_run_with_the_same_tables_makes_no_new_version(store):
    first = checked_run(store, "r1", rows=5, metrics=("likes",))
    publish_version(store, "r1", first, PLAIN)
    before = {key: store.read(key) for key in store.keys("published/")}
    again = checked_run(store, "r2", rows=5, metrics=("likes",))
    publication = publish_version(store, "r2", again, PLAIN)
    assert (publication.nothing_new, publication.pointer.version) == (True, "v-r1")
    assert {key: store.read(key) for key in store.keys("published/")} == before
    other = checked_run(store, "r3", rows=6, metrics=("likes",))
    assert not publish_version(store, "r3", other, PLAIN).nothing_new
    assert [one.version for one in list_versions(store)] == ["v-r3", "v-r1"]


def test_the_same_tables_are_published_where_readers_see_something_else(store):
    for run, rows in (("r1", 3), ("r2", 4)):
        publish_version(store, run, checked_run(store, run, rows=rows), PLAIN)
    roll_back(store, "v-r1")
    assert not publish_version(store, "r3", checked_run(store, "r3", rows=4), PLAIN).nothing_new
    with_csv = PublishSettings(csv=True)
    assert not publish_version(store, "r4", checked_run(store, "r4", rows=4), with_csv).nothing_new
    assert publish_version(store, "r5", checked_run(store, "r5", rows=4), with_csv).nothing_new


@pytest.mark.parametrize("lost", ["images.parquet", "content.json"])
def test_a_version_that_lost_a_file_is_published_anew(store, lost):
    publish_version(store, "r1", checked_run(store, "r1", rows=3), PLAIN)
    store.delete(f"published/v-r1/{lost}")
    assert not publish_version(store, "r2", checked_run(store, "r2", rows=3), PLAIN).nothing_new


def test_publishing_again_changes_nothing(store):
    summary = checked_run(store, "r1")
    publish_version(store, "r1", summary, PLAIN)
    before = store.read(CURRENT)
    assert publish_version(store, "r1", summary, PLAIN).pointer.version == "v-r1"
    assert store.read(CURRENT) == before


def test_a_summary_that_says_something_else_than_the_tables_is_not_published(store):
    summary = checked_run(store, "r1")
    publish_version(store, "r1", summary, PLAIN)
    before = store.read(CURRENT)
    other = checked_run(store, "r2")
    for wrong in (
        {"tables": {**other["tables"], "images": 99}},
        {"links": 99},
        {"tables": {"images": 4}},
    ):
        with pytest.raises(StopRun, match="The summary does not agree with the tables"):
            publish_version(store, "r2", {**other, **wrong}, PLAIN)
    assert store.read(CURRENT) == before


def test_versions_are_kept_and_the_oldest_go(store):
    for number in range(5):
        run = f"r{number}"
        publication = publish_version(
            store, run, checked_run(store, run), PublishSettings(keep_versions=3)
        )
    assert [one.version for one in list_versions(store)] == ["v-r4", "v-r3", "v-r2"]
    assert [one.version for one in publication.removed] == ["v-r1"]
    assert {key.split("/")[1] for key in store.keys("published/")} - {"current.json", "latest"} == {
        "v-r4",
        "v-r3",
        "v-r2",
    }
    assert store.exists("runs/r0/images.parquet")  # what was staged is kept for audit


def test_rollback_and_forward_again(store):
    for run, rows in (("r1", 3), ("r2", 4)):
        publish_version(store, run, checked_run(store, run, rows=rows), PLAIN)
    assert len(read_tables(store.address, tables=["tagged"])["tagged"]) == 5
    roll_back(store, "v-r1")
    assert read_pointer(store)[0].version == "v-r1"
    assert len(read_tables(store.address, tables=["tagged"])["tagged"]) == 4
    assert [one.version for one in list_versions(store)] == ["v-r2", "v-r1"]
    roll_back(store, "v-r2")
    assert len(read_tables(store.address, tables=["tagged"])["tagged"]) == 5


def test_the_next_version_follows_the_one_that_was_gone_back_to(store):
    for run in ("r1", "r2"):
        publish_version(store, run, checked_run(store, run), PLAIN)
    roll_back(store, "v-r1")
    publish_version(store, "r3", checked_run(store, "r3"), PublishSettings(keep_versions=2))
    assert [one.version for one in list_versions(store)] == ["v-r3", "v-r2"]


def test_rollback_to_what_is_not_there_is_one_sentence(store):
    with pytest.raises(UsageError, match="nothing has been published yet"):
        roll_back(store, "v-r1")
    publish_version(store, "r1", checked_run(store, "r1"), PLAIN)
    before = store.read(CURRENT)
    with pytest.raises(UsageError, match=r"There is no version 'v-r9' .*: kept are v-r1\."):
        roll_back(store, "v-r9")
    assert store.read(CURRENT) == before


def test_the_reader_gives_all_tables_of_one_version(store):
    publish_version(store, "r1", checked_run(store, "r1", rows=4, metrics=("likes",)), PLAIN)
    publish_version(store, "r2", checked_run(store, "r2", rows=3), PLAIN)
    now, before = read_tables(store.address), read_tables(store.address, "v-r1")
    assert set(now) == set(PUBLISHED)
    assert set(before) == set(published_tables(["likes"]))
    assert (len(now["tagged"]), len(before["tagged"])) == (4, 5)
    assert now["images"]["position"].dtype == "Int64"
    assert now["images"]["position"].tolist()[1:] == [0, 1, 0]
    assert now["tags_long"]["parents"].map(len).tolist() == [0] * len(now["tags_long"])


def test_the_reader_says_what_is_not_there(store):
    with pytest.raises(UsageError, match="Nothing has been published yet"):
        read_tables(store.address)
    publish_version(store, "r1", checked_run(store, "r1"), PLAIN)
    with pytest.raises(UsageError, match="no version 'v-r9'"):
        read_tables(store.address, "v-r9")
    with pytest.raises(
        UsageError, match=r"no table 'tag_effects' in that version: it has images, tags_long"
    ):
        read_tables(store.address, tables=["tag_effects"])


def test_csv_is_published_on_request(store):
    publish_version(store, "r1", checked_run(store, "r1"), PublishSettings(csv=True))
    assert {key.rsplit("/")[-1] for key in store.keys("published/v-r1/")} >= {
        f"{name}.csv" for name in PUBLISHED
    }
    assert store.read("published/v-r1/tags_wide.csv").startswith(
        b'"image_id","celebrity_1","celebrity_1_confidence",'
    )


def test_the_next_check_compares_with_the_version_before(store):
    publish_version(store, "r1", checked_run(store, "r1"), PLAIN)
    assert json.loads(store.read("published/v-r1/profile.json")) == asdict(PROFILE)


def test_athena_follows_the_current_version(store):
    for run, metrics in (("r1", ("likes",)), ("r2", ())):
        publish_version(store, run, checked_run(store, run, metrics=metrics), PLAIN)
    if store.bucket_and_key("") is None:
        assert not list(store.keys("published/latest/"))
        with pytest.raises(UsageError, match="Athena reads from S3"):
            athena_table(store.address, "images")
        return
    sql = athena_table(store.address, "images")
    assert f"LOCATION '{store.address}/published/latest/images/'" in sql
    assert (
        store.read("published/latest/images/manifest").decode()
        == f"{store.address}/published/v-r2/images.parquet\n"
    )
    assert not store.exists("published/latest/tag_effects/manifest")  # r2 has none
    roll_back(store, "v-r1")
    assert (
        store.read("published/latest/images/manifest").decode()
        == f"{store.address}/published/v-r1/images.parquet\n"
    )
    assert store.exists("published/latest/tag_effects/manifest")
    with pytest.raises(UsageError, match="no published table 'moods'"):
        athena_table(store.address, "moods")
