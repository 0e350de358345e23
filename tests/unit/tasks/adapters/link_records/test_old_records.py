"""Records of a store in format 1 are still known after an upgrade."""

import hashlib
import json
from dataclasses import asdict

import pytest

from image_tags.tasks.adapters.link_records import LinkLog
from image_tags.tasks.adapters.link_records.old_records import convert_link_records
from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.contracts.reasons import Reason
from image_tags.tasks.contracts.records import Fetched, Picture
from image_tags.tasks.contracts.settings import FetchSettings

SETTINGS = FetchSettings()
ADDRESS = {"allow_private_addresses": False, "extra_ports": []}
MANNERS = {"respect_opt_outs": True, "respect_robots_txt": False}
PICTURE = Picture("ab" * 32, "images/ab/x.jpg", 10, 100, 90)
GOOD = Fetched("https://example.com/a", PICTURE, "WEBP", 12, None, "converted", '"1"', None, 9e8)
GONE = Fetched("https://example.com/b", reason=Reason.NOT_FOUND, detail="404", time=9e8)
FORBIDDEN = Fetched("https://example.com/c", reason=Reason.UNSAFE_ADDRESS, time=9e8)
SLOW = Fetched("https://example.com/d", reason=Reason.TIMEOUT, time=9e8)


@pytest.fixture
def store(tmp_path):
    store = FolderStore(str(tmp_path))
    for one, settings in [
        (GOOD, ADDRESS | MANNERS),
        (GONE, {}),
        (FORBIDDEN, ADDRESS),
        (SLOW, {}),
    ]:
        write_old(store, one.url, json.dumps({"schema": 1, "rests_on": settings, **asdict(one)}))
    return store


def write_old(store, url, text):
    digest = hashlib.sha256(url.encode()).hexdigest()
    store.write(f"links/{digest[:2]}/{digest}.json", text.encode(), "application/json")


def test_what_was_known_is_known(store):
    assert convert_link_records(store) == 4
    found = LinkLog(store).find([one.url for one in (GOOD, GONE, FORBIDDEN, SLOW)])
    assert {url: record.outcome for url, record in found.items()} == {
        one.url: one for one in (GOOD, GONE, FORBIDDEN)
    }
    assert found[GOOD.url].remark == "converted"
    assert all(record.is_settled(SETTINGS, 9e8) for record in found.values())
    assert not found[GOOD.url].is_settled(FetchSettings(allow_private_addresses=True), 9e8)
    assert not [key for key in store.keys("links/") if key.endswith(".json")]
    assert convert_link_records(store) == 0


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"schema": 1, "url": "x"}'])
def test_what_cannot_be_read_is_dropped(store, text):
    write_old(store, "https://example.com/e", text)
    assert convert_link_records(store) == 5
    assert len(LinkLog(store).find(["https://example.com/e", GOOD.url])) == 1
