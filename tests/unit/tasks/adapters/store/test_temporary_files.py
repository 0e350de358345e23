"""What is being written when a process ends at once is removed; what is complete stays."""

from image_tags.tasks.adapters.store.temporary_files import TemporaryFiles


def test_only_files_that_are_still_being_written_are_removed(tmp_path):
    files, unfinished, finished = TemporaryFiles(), tmp_path / ".half", tmp_path / "whole"
    with files.writing(finished):
        finished.write_bytes(b"whole")
    with files.writing(unfinished):
        unfinished.write_bytes(b"ha")
        files.abandon()
        assert not unfinished.exists()
        assert finished.read_bytes() == b"whole"
        files._lock.release()
