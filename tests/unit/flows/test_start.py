"""A look at what was asked, before anything is done."""

import pytest

from flows.start import check_places
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
