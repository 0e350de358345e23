"""Errors of files, and what the exceptions of Arrow, DuckDB and the disk become."""

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
import pyarrow as pa

from image_tags.tasks.contracts.errors import StopRun, UsageError


class EmptyFile(UsageError):
    """A file with nothing in it."""


class DamagedTable(StopRun):
    """A table that this program wrote is not a whole Parquet file any more."""


class TemporaryFilesFailed(StopRun):
    """Files that a step needs for a while cannot be written or read."""


@contextmanager
def explain_damage() -> Iterator[None]:
    """Read a table of ours in the block.

    Raises:
        DamagedTable: it cannot be read.

    """
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise DamagedTable(
            f"A table in the store is damaged ({first_line(error)}): start a new run instead of "
            "retrying this one; `image-tags verify` names the file."
        ) from None


@contextmanager
def explain_temporary_files(folder: object) -> Iterator[None]:
    """Write temporary files in the block.

    Raises:
        TemporaryFilesFailed: they cannot be written, usually because the disk is full, or one that
            was given is damaged.

    """
    try:
        yield
    except (pa.ArrowException, duckdb.Error, OSError) as error:
        raise TemporaryFilesFailed(
            f"Temporary files in {str(folder)!r} cannot be written or read ({first_line(error)}): "
            "free some space there, or let TMPDIR name a folder with more, and run again."
        ) from None


def first_line(error: Exception) -> str:
    """What an error of a library has to say, in one line without a full stop."""
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0].rstrip(".")
