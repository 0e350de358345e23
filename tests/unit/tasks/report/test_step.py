"""What the report takes from the version before."""

import pytest

from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.adapters.store.json_records import OBJECT, save_record
from image_tags.tasks.published.pointer import CURRENT, Pointer, swap_pointer
from image_tags.tasks.report.step import load_last_summary


@pytest.fixture
def store(tmp_path):
    return FolderStore(str(tmp_path))


@pytest.fixture
def published(store):
    swap_pointer(store, Pointer("v1", "2026-01-01", {}), None)
    save_record(store, "published/v1/summary.json", OBJECT, {"rows": 3})
    return store


def test_the_last_summary_is_that_of_the_current_version(published):
    assert load_last_summary(published) == {"rows": 3}


def test_a_first_run_has_none(store):
    assert load_last_summary(store) is None


@pytest.mark.parametrize("key", [CURRENT, "published/v1/summary.json"])
@pytest.mark.parametrize("content", [b"", b"{", b"[]"])
def test_a_damaged_version_does_not_keep_the_next_from_being_drawn(published, key, content):
    published.write(key, content, "application/json")
    assert load_last_summary(published) is None
