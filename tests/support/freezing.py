"""Processes that are stopped where they are, as on a machine that sleeps."""

import os
import signal
from contextlib import ExitStack, suppress
from pathlib import Path

from image_tags.tasks.adapters.store.file_lock import holding
from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.adapters.store.store import Store
from tests.support.processes import until


def freeze(pid: int, store: Store) -> None:
    """Stop a process that uses a store, until it gets SIGCONT; it has stopped when this returns.

    It holds no lock of a folder then: nobody could use the folder, the test neither.
    """
    with ExitStack() as stack:
        if isinstance(store, FolderStore):
            with suppress(FileNotFoundError):  # it is not there yet, so nobody has locked it
                stack.enter_context(holding(Path(store.address) / ".lock"))
        os.kill(pid, signal.SIGSTOP)
        until(lambda: _is_frozen(pid), 30)


def _is_frozen(pid: int) -> bool:
    """Whether no thread of it runs; one that has ended counts too."""
    with suppress(FileNotFoundError, ProcessLookupError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            state = (thread / "stat").read_text().rpartition(")")[2].split()[0]
            if state not in "TtZX":
                return False
    return True
