"""What is being written when a process ends at once is removed; what is complete stays."""

import threading

from image_tags.tasks.adapters.store.temporary_files import TemporaryFiles


def test_only_files_that_are_still_being_written_are_removed(tmp_path):
    files, unfinished, finished = TemporaryFiles(), tmp_path / ".half", tmp_path / "whole"
    with files.writing(finished, lambda: finished.open("xb")) as file:
        file.write(b"whole")
        file.close()
    with files.writing(unfinished, lambda: unfinished.open("xb")) as file:
        file.write(b"ha")
        file.close()
        files.abandon()
        assert not unfinished.exists()
        assert finished.read_bytes() == b"whole"
        files._lock.release()


def test_a_file_that_is_being_created_meanwhile_is_removed_too(tmp_path):
    files, late = TemporaryFiles(), tmp_path / ".late"
    begun, go_on, over = threading.Event(), threading.Event(), threading.Event()

    def create():
        begun.set()
        go_on.wait(30)
        return late.open("xb")

    def write():
        with files.writing(late, create) as file:
            file.close()
            over.wait(30)

    writing = threading.Thread(target=write)
    writing.start()
    begun.wait(30)
    abandoning = threading.Thread(target=files.abandon)
    abandoning.start()
    go_on.set()
    abandoning.join(30)
    assert not late.exists()
    over.set()
    files._lock.release()
    writing.join(30)
