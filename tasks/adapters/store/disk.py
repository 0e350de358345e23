"""Files that are still there after a power cut."""

import errno
import os
from pathlib import Path
from typing import IO


def opened_new(path: Path, durable: bool) -> IO[bytes]:
    """A new file to write to; its folder is made if missing, and brought to disk if durable."""
    try:
        return path.open("xb")
    except FileNotFoundError:
        missing = [folder for folder in path.parents if not folder.exists()]
        path.parent.mkdir(parents=True, exist_ok=True)
        for folder in reversed(missing if durable else ()):
            sync(folder.parent)
        return path.open("xb")


def sync(folder: Path) -> None:
    """Bring the names in a folder to disk, so that a power cut leaves them there."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (
            errno.EINVAL,
            errno.ENOTSUP,
        ):  # what some network file systems say of any folder
            raise
    finally:
        os.close(handle)


def replace(made: Path, target: Path) -> bool:
    """Move a file to its place, whatever is there."""
    made.replace(target)
    return True
