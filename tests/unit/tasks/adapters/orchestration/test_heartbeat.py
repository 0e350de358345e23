"""A sign of life in the store."""

import pytest

from image_tags.tasks.adapters.orchestration.heartbeat import read_heartbeat, send_heartbeats
from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.adapters.store.store import StoreUnreachable
from tests.support.processes import until


def test_it_changes_while_the_work_goes_on_and_is_gone_afterwards(tmp_path):
    store = FolderStore(str(tmp_path))
    assert read_heartbeat(store, "runs/r/shards/1") == b""
    with send_heartbeats(store, "runs/r/shards/1", 0.01):
        until(lambda: read_heartbeat(store, "runs/r/shards/1") != b"", 60)
        before = read_heartbeat(store, "runs/r/shards/1")
        until(lambda: read_heartbeat(store, "runs/r/shards/1") != before, 60)
    assert read_heartbeat(store, "runs/r/shards/1") == b""


def test_it_ends_with_work_that_breaks(tmp_path):
    store = FolderStore(str(tmp_path))
    with pytest.raises(KeyError), send_heartbeats(store, "1", 0.01):
        raise KeyError
    assert read_heartbeat(store, "1") == b""


class Flaky(FolderStore):
    """A store that cannot be reached the first two times."""

    writes = 0

    def write(self, key, data, content_type, *, durable=True):
        self.writes += 1
        if self.writes <= 2:
            raise StoreUnreachable("gone")
        super().write(key, data, content_type, durable=durable)


def test_an_outage_of_the_store_does_not_end_it(tmp_path):
    store = Flaky(str(tmp_path))
    with send_heartbeats(store, "1", 0.01):
        until(lambda: read_heartbeat(store, "1") != b"", 60)
