import json

import pytest

from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.adapters.store.store import JSON
from image_tags.tasks.adapters.store.store_format import FORMAT, check_format, read_format
from image_tags.tasks.contracts.errors import UsageError


@pytest.fixture
def store(tmp_path):
    return FolderStore(str(tmp_path))


def test_a_new_store_is_marked_and_accepted_from_then_on(store):
    assert read_format(store) is None
    check_format(store)
    assert json.loads(store.read("store.json")) == {"format": FORMAT}
    check_format(store)


@pytest.mark.parametrize("key", ["responses/op-1/aa/aa.json", "links/aa/aa.json"])
def test_a_store_of_the_first_format_is_refused_with_the_command_that_converts_it(store, key):
    store.write(key, b"{}", JSON)
    with pytest.raises(UsageError, match=f"image-tags upgrade {store.address}"):
        check_format(store)
    assert not store.exists("store.json")


def test_a_newer_store_is_refused(store):
    store.write("store.json", json.dumps({"format": FORMAT + 1}).encode(), JSON)
    with pytest.raises(UsageError, match=r"install a newer version .*image-tags upgrade"):
        check_format(store)


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b'{"format": "x"}'])
def test_a_damaged_mark_is_refused(store, text):
    store.write("store.json", text, JSON)
    with pytest.raises(UsageError, match="is damaged"):
        check_format(store)
