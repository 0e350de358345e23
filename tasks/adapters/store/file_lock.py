"""A lock between processes: a file that one of them holds."""

import fcntl
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

LONGEST_WAIT = 300.0
"""Seconds that a lock is waited for. It is held for milliseconds, or while a listing is read."""


class HeldTooLong(OSError):
    """Whoever holds the lock is stopped or hangs."""


@contextmanager
def holding(path: Path, *, shared: bool = False) -> Iterator[None]:
    """Hold the lock alone, or with others that share it.

    Raises:
        FileNotFoundError: the lock's folder is not there.
        HeldTooLong: others held it for `LONGEST_WAIT` seconds.
        OSError: the disk.

    """
    with path.open("w") as file:
        _take(file, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield


def _take(file: IO[str], how: int) -> None:
    with suppress(BlockingIOError):
        return fcntl.flock(file, how | fcntl.LOCK_NB)
    # The system's own queue is fairer than trying again and again, but it knows no time limit.
    taken: Future[None] = Future()
    threading.Thread(target=_wait_for, args=(file, how, taken), daemon=True).start()
    try:
        taken.result(LONGEST_WAIT)
    except TimeoutError:
        raise HeldTooLong from None


def _wait_for(file: IO[str], how: int, taken: "Future[None]") -> None:
    """Take the lock; a lock taken after its file was closed is free again."""
    try:
        fcntl.flock(file, how)
    except (OSError, ValueError) as error:
        taken.set_exception(error)
    else:
        taken.set_result(None)
