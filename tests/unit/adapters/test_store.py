"""What only a folder can go wrong with; the contract of all stores is in tests/integration/test_store.py."""

import errno
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tasks.adapters.store import JSON, FolderStore
from tasks.contracts.errors import StopRun, UsageError


@pytest.fixture
def store(tmp_path):
    return FolderStore(str(tmp_path / "store"))


def full(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("move", ["write", "add", "swap"])
def test_a_full_disk_stops_the_run_and_leaves_what_was_there(store, monkeypatch, tmp_path, move):
    store.write("kept/k", b"old", JSON)
    token = store.read_tagged("kept/k")[1]
    moves = {
        "write": lambda: store.write("kept/k", b"new", JSON),
        "add": lambda: store.add("kept/other", b"new", JSON),
        "swap": lambda: store.swap("kept/k", b"new", JSON, token),
    }
    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", full)
        with pytest.raises(StopRun, match=r"cannot be written: No space left on device"):
            moves[move]()
    assert store.read("kept/k") == b"old"
    assert [path.name for path in (tmp_path / "store" / "kept").iterdir()] == ["k"]


def test_an_object_is_on_disk_before_it_can_be_seen(store, monkeypatch):
    seen = []
    sync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (seen.append(store.exists("k")), sync(handle)))
    store.write("k", b"1", JSON)
    assert seen == [False]


def test_of_many_who_swap_one_wins(store):
    for round_ in range(20):
        store.write("k", f"old {round_}".encode(), JSON)
        token = store.read_tagged("k")[1]
        start = threading.Barrier(8)

        def move(n, token=token, start=start):
            start.wait()
            return store.swap("k", f"new {n}".encode(), JSON, token)

        with ThreadPoolExecutor(8) as pool:
            won = list(pool.map(move, range(8)))
        assert won.count(True) == 1
        assert store.read("k") == f"new {won.index(True)}".encode()


def test_what_is_half_written_is_not_listed(store, tmp_path):
    store.write("p/k", b"1", JSON)
    (tmp_path / "store" / "p" / ".k.half").write_bytes(b"")
    assert list(store.keys("p/")) == ["p/k"]


def test_a_folder_that_cannot_be_made_is_wrong_usage(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UsageError, match="cannot be written: Not a directory"):
        FolderStore(str(tmp_path / "file" / "store")).check_writable()


def test_a_folder_under_a_file_holds_nothing(tmp_path):
    (tmp_path / "file").write_text("in the way")
    store = FolderStore(str(tmp_path / "file"))
    assert not store.exists("k")
    assert store.read_tagged("k") is None
    store.delete("k")


def test_files_have_the_rights_that_the_umask_leaves(store, tmp_path):
    (tmp_path / "other").write_text("")
    store.write("k", b"1", JSON)
    assert (tmp_path / "store" / "k").stat().st_mode == (tmp_path / "other").stat().st_mode
