"""A look at what was asked, before anything is done."""

from datetime import UTC, datetime

import pytest

from flows.start import check_places, name_for
from tasks.contracts.errors import UsageError
from tasks.contracts.settings import Settings

GOOD = {"source": "s3://b/feed/", "store": "/srv/store", "people": "~/people"}


def test_a_deployments_run_takes_places_that_do_not_depend_on_where_it_begins():
    check_places(Settings(**GOOD))
    check_places(Settings(**{**GOOD, "people": None}))


@pytest.mark.parametrize(("name", "place"), [("store", "image-tags-store"), ("source", "feed.csv"), ("people", "./people")])
def test_a_relative_path_would_be_lost_or_not_found(name, place):
    with pytest.raises(UsageError, match=f"give {name} '{place}' in full"):
        check_places(Settings(**{**GOOD, name: place}))


@pytest.mark.parametrize(
    ("source", "known_as", "name"),
    [
        ("/data/tweets.csv", "belligerent-llama", "tweets 2026-11-24 19:12"),
        ("s3://bucket/feed/", "tweets 2026-11-23 08:00", "feed 2026-11-24 19:12"),
        ("/data/tweets.csv", "tweets 2026-11-23 08:00", "tweets 2026-11-23 08:00"),
    ],
)
def test_a_flow_run_is_called_by_its_source_and_when_it_ran_first(source, known_as, name):
    assert name_for(source, known_as, datetime(2026, 11, 24, 19, 12, tzinfo=UTC)) == name
