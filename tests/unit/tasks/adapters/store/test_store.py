"""What only a folder can go wrong with; the contract of all stores is in
tests/integration/test_store.py.
"""

import errno
import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.adapters.store.store import JSON
from image_tags.tasks.contracts.errors import StopRun, UsageError


@pytest.fixture
def store(tmp_path):
    return FolderStore(str(tmp_path / "store"))


def failing(number):
    def fail(*_, **__):
        raise OSError(number, os.strerror(number))

    return fail


full = failing(errno.ENOSPC)


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


@pytest.mark.parametrize("moved", ["write", "replace", "link"])
def test_what_is_put_leaves_no_file_behind_when_it_cannot_be_moved(
    store, monkeypatch, tmp_path, moved
):
    store.write("kept/k", b"old", JSON)
    with monkeypatch.context() as disk:
        disk.setattr(os, "link", failing(errno.EIO))
        disk.setattr(Path, "replace", failing(errno.EIO))
        with pytest.raises(StopRun, match=r"cannot be written: Input/output error"):
            store.add("kept/other", b"new", JSON) if moved == "link" else store.write(
                "kept/k", b"new", JSON
            )
    assert store.read("kept/k") == b"old"
    assert [path.name for path in (tmp_path / "store" / "kept").iterdir()] == ["k"]


@pytest.fixture
def synced(store, monkeypatch):
    """What was brought to disk, in order: whether a folder, and whether the object `p/k` could be
    seen by then.
    """
    seen = []
    sync = os.fsync

    def look(handle):
        seen.append((stat.S_ISDIR(os.fstat(handle).st_mode), store.exists("p/k")))
        sync(handle)

    monkeypatch.setattr(os, "fsync", look)
    return seen


FOLDER, FILE = True, False


@pytest.mark.parametrize("put", ["write", "add", "swap"])
def test_an_object_is_on_disk_before_it_can_be_seen_and_its_name_before_it_is_said_to_be_there(
    store, synced, put
):
    store.write("p/other", b"1", JSON)
    synced.clear()
    {"write": store.write, "add": store.add, "swap": lambda *what: store.swap(*what, None)}[put](
        "p/k", b"1", JSON
    )
    assert synced == [(FILE, False), (FOLDER, True)]


def test_a_new_folder_is_on_disk_before_anything_is_said_to_be_in_it(store, synced):
    store.write("p/k", b"1", JSON)
    assert synced == [
        (FOLDER, False),
        (FOLDER, False),
        (FILE, False),
        (FOLDER, True),
    ]  # the store itself is new too


def test_what_need_not_last_does_not_wait_for_the_disk(store, synced):
    store.write("p/other", b"1", JSON)
    synced.clear()
    store.write("p/k", b"1", JSON, durable=False)
    store.add("p/l", b"1", JSON, durable=False)
    assert synced == []


def test_a_file_system_that_cannot_bring_folders_to_disk_will_do(store, monkeypatch):
    sync = os.fsync
    unable = failing(errno.EINVAL)
    monkeypatch.setattr(
        os,
        "fsync",
        lambda handle: (unable if stat.S_ISDIR(os.fstat(handle).st_mode) else sync)(handle),
    )
    store.write("p/k", b"1", JSON)
    assert store.read("p/k") == b"1"


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP])
def test_a_file_system_without_hard_links_will_do(store, monkeypatch, tmp_path, number):
    monkeypatch.setattr(os, "link", failing(number))
    assert store.add("p/k", b"first", JSON)
    assert not store.add("p/k", b"second", JSON)
    for round_ in range(20):
        start = threading.Barrier(8)

        def move(n, key=f"p/{round_}", start=start):
            start.wait()
            return store.add(key, f"{n}".encode(), JSON, durable=False)

        with ThreadPoolExecutor(8) as pool:
            won = list(pool.map(move, range(8)))
        assert won.count(True) == 1
        assert store.read(f"p/{round_}") == str(won.index(True)).encode()
    assert not [
        path.name for path in (tmp_path / "store" / "p").iterdir() if path.name.startswith(".")
    ]


TOO_LONG = "p/" + "k" * 300


@pytest.mark.parametrize("ask", ["exists", "size", "read", "read_tagged", "delete"])
def test_what_the_disk_cannot_answer_stops_the_run(store, ask):
    store.write("p/k", b"1", JSON)
    with pytest.raises(StopRun, match="cannot be read: File name too long"):
        getattr(store, ask)(TOO_LONG)


@pytest.mark.parametrize("put", ["write", "add"])
def test_a_name_too_long_to_be_put_stops_the_run(store, put):
    with pytest.raises(StopRun, match="File name too long"):
        getattr(store, put)(TOO_LONG, b"1", JSON)


def test_what_cannot_be_removed_stops_the_run(store, monkeypatch):
    store.write("p/k", b"1", JSON)
    monkeypatch.setattr(Path, "unlink", failing(errno.EROFS))
    for remove in (lambda: store.delete("p/k"), lambda: store.delete_all(["p/k"])):
        with pytest.raises(StopRun, match="cannot be written: Read-only file system"):
            remove()


def test_a_folder_that_cannot_be_listed_is_not_taken_for_empty(store, monkeypatch):
    store.write("p/q/k", b"1", JSON)
    monkeypatch.setattr(os, "scandir", failing(errno.EACCES))
    with pytest.raises(StopRun, match="cannot be read: Permission denied"):
        list(store.keys("p/"))


def test_an_object_removed_while_it_is_measured_is_gone(store, monkeypatch):
    monkeypatch.setattr(Path, "is_file", lambda _: True)
    assert store.size("p/k") is None


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
