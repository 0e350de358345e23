"""A look at what was asked, before anything is done."""

from datetime import UTC, datetime

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from image_tags.flows.preflight import check_paths, check_shards
from image_tags.flows.start import make_name
from image_tags.tasks.contracts.errors import UsageError
from image_tags.tasks.contracts.settings import Settings
from tests.support.command import image_tags

GOOD = {"source": "s3://b/feed/", "store": "/srv/store", "people": "~/people"}


def test_a_deployments_run_takes_places_that_do_not_depend_on_where_it_begins():
    check_paths(Settings(**GOOD))
    check_paths(Settings(**{**GOOD, "people": None}))


@pytest.mark.parametrize(
    ("name", "place"),
    [("store", "image-tags-store"), ("source", "feed.csv"), ("people", "./people")],
)
def test_a_relative_path_would_be_lost_or_not_found(name, place):
    with pytest.raises(UsageError, match=f"give {name} '{place}' in full"):
        check_paths(Settings(**{**GOOD, name: place}))


@pytest.mark.parametrize(
    ("source", "current", "name"),
    [
        ("/data/tweets.csv", "belligerent-llama", "data/tweets 2026-11-24 19:12:07"),
        ("tweets.csv", "belligerent-llama", "tweets 2026-11-24 19:12:07"),
        ("s3://bucket/feed/", "tweets 2026-11-23 08:00:00", "bucket/feed 2026-11-24 19:12:07"),
        ("s3://bucket/feed/*.csv", "x", "bucket/feed 2026-11-24 19:12:07"),
        ("/data/tweets.csv", "data/tweets 2026-11-23 08:00:59", "data/tweets 2026-11-23 08:00:59"),
    ],
)
def test_a_flow_run_is_named_after_its_feed_and_its_first_start(source, current, name):
    assert make_name(source, current, datetime(2026, 11, 24, 19, 12, 7, tzinfo=UTC)) == name


def test_two_feeds_with_the_same_last_part_have_different_names():
    now = datetime(2026, 11, 24, 19, 12, 7, tzinfo=UTC)
    names = {make_name(f"s3://{bucket}/feed/", "x", now) for bucket in ("news", "sports")}
    assert len(names) == 2


SHARED = {**GOOD, "source": "feed.csv", "shards": 2}


def test_shards_need_a_server_that_workers_reach():
    check_shards(Settings(source="feed.csv"))
    with (
        temporary_settings({PREFECT_API_URL: None}),
        pytest.raises(UsageError, match="set PREFECT_API_URL"),
    ):
        check_shards(Settings(**SHARED))


@pytest.mark.parametrize("name", ["store", "people"])
def test_shards_need_places_that_do_not_depend_on_where_they_begin(name):
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:1/api"}):
        check_shards(Settings(**SHARED))
        with pytest.raises(UsageError, match=f"give {name} 'here' in full"):
            check_shards(Settings(**{**SHARED, name: "here"}))


def test_the_command_line_says_so_before_a_server_is_started(tmp_path):
    (tmp_path / "feed.csv").write_text("link\nhttps://example.org/1.png\n")
    done = image_tags(
        "run", str(tmp_path / "feed.csv"), "--store", str(tmp_path / "store"), "--shards", "2"
    )
    assert (done.code, done.out) == (2, "")
    assert done.err.endswith("set PREFECT_API_URL to its address.\n")
