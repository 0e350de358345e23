import threading

import pytest

from image_tags.tasks.adapters.store import file_lock
from image_tags.tasks.adapters.store.file_lock import holding
from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.adapters.store.store import JSON
from image_tags.tasks.contracts.errors import StopRun


@pytest.fixture
def store(tmp_path):
    made = FolderStore(str(tmp_path / "store"))
    made.write("kept/k", b"old", JSON)
    return made


def test_a_lock_that_is_never_given_up_stops_the_run_with_one_sentence(
    store, tmp_path, monkeypatch
):
    monkeypatch.setattr(file_lock, "LONGEST_WAIT", 0.1)
    uses = (
        lambda: store.list_sizes("kept/"),
        lambda: store.delete_all(["kept/k"]),
        lambda: store.swap("kept/k", b"new", JSON, store.read_tagged("kept/k")[1]),
    )
    with holding(tmp_path / "store/.lock"):
        for use in uses:
            with pytest.raises(StopRun, match=r"Another process has kept the store '.*' locked"):
                use()
    assert store.list_sizes("kept/") == {"kept/k": 3}
    assert store.read("kept/k") == b"old"


def test_a_lock_is_waited_for(store, tmp_path):
    found = []
    reader = threading.Thread(target=lambda: found.append(store.list_sizes("kept/")))
    with holding(tmp_path / "store/.lock"):
        reader.start()
        reader.join(0.2)
        assert found == []
    reader.join(30)
    assert found == [{"kept/k": 3}]


def test_a_shared_lock_keeps_out_only_who_wants_it_alone(store, tmp_path, monkeypatch):
    monkeypatch.setattr(file_lock, "LONGEST_WAIT", 0.1)
    with holding(tmp_path / "store/.lock", shared=True):
        assert store.list_sizes("kept/") == {"kept/k": 3}
        with pytest.raises(StopRun, match="locked"):
            store.delete_all(["kept/k"])
