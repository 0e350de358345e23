"""The name of this process, by which others on this machine can tell whether it still lives.

Each process holds a lock on a file of its own in the machine's temporary folder; the kernel drops
the lock when the process ends, however it ends. Who can get the lock knows that the owner is dead;
who does not find the file cannot tell. A process that ends in order removes its file, unless what
it claimed in a store stays behind there.
"""

import atexit
import fcntl
import os
import re
import tempfile
import threading
import uuid
from pathlib import Path
from typing import IO

_NAME = re.compile(r"[0-9a-f]{32}")
_guard = threading.Lock()
_mine: tuple[int, str, IO[bytes] | None] | None = None


def name() -> str:
    """The name of this process, the same all its life and never another's."""
    global _mine  # noqa: PLW0603 - a process has one name
    with _guard:
        if _mine is None or _mine[0] != os.getpid():  # a forked child is not its parent
            own = uuid.uuid4().hex
            _mine = os.getpid(), own, _locked(own)
        return _mine[1]


def alive(owner: str) -> bool | None:
    """Whether the process of this name lives; None if this machine cannot tell."""
    if not _NAME.fullmatch(owner):
        return None
    if owner == name():
        return True
    try:
        with _path(owner).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return None
    return False


def keep_file() -> None:
    """Let the file of this process outlive it, as claims of its own could not be removed.

    By the file others tell at once that these no longer count.
    """
    atexit.unregister(_remove_file)


def _locked(own: str) -> IO[bytes] | None:
    path = _path(own)
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        if path.parent.stat().st_uid != os.getuid():
            return None
        file = path.open("wb")
        fcntl.flock(file, fcntl.LOCK_EX)
    except OSError:
        return None  # others cannot tell whether we live, and wait
    atexit.register(_remove_file, path)
    return file


def _remove_file(path: Path) -> None:
    path.unlink(missing_ok=True)


def _path(owner: str) -> Path:
    return Path(tempfile.gettempdir()) / f"image-tags-{os.getuid()}" / owner
