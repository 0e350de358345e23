"""What is damaged is named with the remedy, and never keeps a new version from readers."""

import json
from contextlib import closing

import pytest

from image_tags import UsageError, read_tables
from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.adapters.store.store import JSON, PARQUET
from image_tags.tasks.published.pointer import CURRENT, DamagedPointer
from tests.support.command import image_tags
from tests.support.rekognition_endpoint import RekognitionEndpoint
from tests.support.site import Site


class Feed:
    """A source that grows by one picture per run."""

    def __init__(self, site, rekognition, prefect_server, folder):
        self.store = FolderStore(str(folder / "store"))
        self.site, self._source, self._links = site, folder / "feed.csv", []
        self.pictures = 0
        self._env = {**rekognition.environment(), "PREFECT_API_URL": prefect_server.api}

    def run(self):
        self.pictures += 1
        self._links.append(self.site.picture(f"/{len(self._links)}.png", len(self._links)))
        self._source.write_text("link\n" + "\n".join(self._links) + "\n")
        words = ["--url-column", "link", "--store", self.store.address, "--analyzer", "rekognition"]
        options = ["--operations", "detect_labels", "--allow-private-addresses", "--json"]
        return image_tags("run", str(self._source), *words, *options, env=self._env)

    def command(self, *words):
        return image_tags(*words, "--store", self.store.address)

    def key(self, name):
        version = json.loads(self.store.read(CURRENT))["version"]
        return f"published/{version}/{name}"


@pytest.fixture(scope="module")
def feed(prefect_server, tmp_path_factory):
    """One feed for all: each test damages the current version and ends with a good one."""
    with closing(Site()) as site, RekognitionEndpoint().running() as endpoint:
        feed = Feed(site, endpoint, prefect_server, tmp_path_factory.mktemp("damaged"))
        assert feed.run().code == 0
        yield feed


POINTERS = {
    "empty": b"",
    "cut": b'{"version": "2026',
    "without a field": b"{}",
    "of another shape": b'{"version": 5, "published": [], "tables": "x"}',
    "leading out": b'{"version": "../..", "published": "", "tables": {}, "history": []}',
    "to a strange file": (
        b'{"version": "v", "published": "", "history": [], '
        b'"tables": {"images": "published/v/../../../etc/passwd"}}'
    ),
}


@pytest.mark.parametrize("data", POINTERS.values(), ids=POINTERS)
def test_a_damaged_pointer_is_named_and_the_next_version_replaces_it(feed, data):
    first = json.loads(feed.store.read(CURRENT))["version"]
    feed.store.write(CURRENT, data, JSON)
    with pytest.raises(DamagedPointer, match=rf"current\.json is damaged .*rollback.*{first}"):
        read_tables(feed.store.address)
    result = feed.run()
    assert result.code == 0, result.err
    assert "Not compared with the last version" in result.out
    assert "current.json is damaged" in result.out
    assert len(read_tables(feed.store.address)["images"]) == feed.pictures
    listed = feed.command("versions").out
    assert first in listed
    assert result.summary["version"] in listed


def test_a_damaged_pointer_can_be_rolled_back(feed):
    first = json.loads(feed.store.read(CURRENT))["version"]
    feed.store.write(CURRENT, b"", JSON)
    assert feed.command("versions").code == 1
    assert feed.command("rollback", first).code == 0
    assert len(read_tables(feed.store.address)["images"]) == feed.pictures


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]"])
def test_a_damaged_profile_only_costs_the_comparison(feed, data):
    feed.store.write(feed.key("profile.json"), data, JSON)
    result = feed.run()
    assert result.code == 0, result.err
    assert len(read_tables(feed.store.address)["images"]) == feed.pictures


def test_a_cut_table_only_costs_the_comparison_and_readers_are_told(feed):
    key = feed.key("images.parquet")
    feed.store.write(key, feed.store.read(key)[:-100], PARQUET)
    with pytest.raises(UsageError, match=r"images\.parquet is damaged or gone.*rollback"):
        read_tables(feed.store.address)
    result = feed.run()
    assert result.code == 0, result.err
    assert "images.parquet is damaged" in result.out
    assert len(read_tables(feed.store.address)["images"]) == feed.pictures


def test_repair_fetches_a_damaged_picture_again_at_once(feed):
    key = next(feed.store.keys("images/"))
    whole = feed.store.read(key)
    feed.store.write(key, whole[:-20], JSON)
    again = feed.command("verify", "--repair", "--allow-private-addresses")
    assert again.code == 1
    assert f"{key}: The picture " in again.out
    assert "Fetched again from http" in again.out
    assert feed.store.read(key) == whole
    assert key not in feed.command("verify").out


def test_a_picture_whose_link_is_dead_is_removed(feed):
    *_, key = feed.store.keys("images/")
    feed.store.write(key, b"", JSON)
    for answer in feed.site.answers.values():
        answer.status = 404
    again = feed.command("verify", "--repair", "--allow-private-addresses")
    for answer in feed.site.answers.values():
        answer.status = 200
    assert "could not be fetched again (not_found: " in again.out
    assert not feed.store.exists(key)
