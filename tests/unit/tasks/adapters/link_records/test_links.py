"""What is known of a link is read back as it was written, or counts as unknown."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_tags.tasks.adapters.link_records import links
from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.adapters.store.store import JSON
from image_tags.tasks.contracts.reasons import Reason
from image_tags.tasks.contracts.records import Fetched, Picture
from image_tags.tasks.contracts.settings import FetchSettings

SETTINGS = FetchSettings()
URL = "https://example.com/a.jpg"
GOOD = Fetched(
    URL,
    Picture("ab" * 32, "images/ab/x.jpg", 10, 100, 90),
    "WEBP",
    12,
    detail="converted",
    etag='"1"',
    time=5.5,
)

fetched = st.builds(
    Fetched,
    url=st.text(),
    picture=st.none()
    | st.builds(Picture, *[st.text(max_size=5)] * 2, *[st.integers(0, 10**9)] * 3),
    format=st.none() | st.text(),
    bytes=st.none() | st.integers(0, 10**12),
    reason=st.none() | st.sampled_from(Reason),
    detail=st.none() | st.text(),
    etag=st.none() | st.text(),
    last_modified=st.none() | st.text(),
    time=st.floats(0, 1e12),
)


@pytest.fixture
def store(tmp_path):
    return FolderStore(str(tmp_path))


@given(fetched)
def test_every_record_is_read_back_as_it_was(tmp_path_factory, one):
    store = FolderStore(str(tmp_path_factory.mktemp("store")))
    links.remember(store, one, SETTINGS)
    assert links.recall(store, one.url, SETTINGS) == (one, True)


def test_nothing_is_known_of_other_links(store):
    links.remember(store, GOOD, SETTINGS)
    assert links.recall(store, URL + "?", SETTINGS) is None


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"{}",
        json.dumps({"schema": 1, "url": URL}).encode(),
    ],
)
def test_a_broken_record_counts_as_unknown(store, record):
    store.write(links.key_of(URL), record, JSON)
    assert links.recall(store, URL, SETTINGS) is None


@pytest.mark.parametrize(
    "change",
    [
        {"schema": 0},
        {"url": "https://example.com/b.jpg"},
        {"reason": "no_such_reason"},
        {"picture": {"image_id": "x"}},
        {"picture": 5},
        {"time": None},
    ],
)
def test_a_record_of_another_shape_counts_as_unknown(store, change):
    links.remember(store, GOOD, SETTINGS)
    record = json.loads(store.read(links.key_of(URL)))
    store.write(links.key_of(URL), json.dumps(record | change).encode(), JSON)
    assert links.recall(store, URL, SETTINGS) is None


@pytest.mark.parametrize(
    ("reason", "change", "same"),
    [
        (None, {"allow_private_addresses": True}, False),
        (None, {"max_bytes": 1}, True),
        (Reason.UNSAFE_ADDRESS, {"allow_private_addresses": True}, False),
        (Reason.UNSAFE_ADDRESS, {"extra_ports": (8080,)}, False),
        (Reason.UNSAFE_ADDRESS, {"max_bytes": 1}, True),
        (Reason.TOO_LARGE, {"max_bytes": 1}, False),
        (Reason.TOO_LARGE, {"max_frames": 1}, False),
        (Reason.DECOMPRESSION_BOMB, {"max_pixels": 1}, False),
        (Reason.TOO_MANY_REDIRECTS, {"max_redirects": 9}, False),
        (Reason.OPTED_OUT, {"respect_opt_outs": False}, False),
        (Reason.OPTED_OUT, {"respect_robots_txt": True}, False),
        (Reason.NOT_FOUND, {"max_bytes": 1, "allow_private_addresses": True}, True),
    ],
)
def test_it_says_whether_the_settings_it_rests_on_are_the_same(store, reason, change, same):
    one = Fetched(URL, reason=reason) if reason else GOOD
    links.remember(store, one, SETTINGS)
    assert links.recall(store, URL, SETTINGS) == (one, True)
    assert links.recall(store, URL, SETTINGS.model_copy(update=change)) == (one, same)
