"""Files being written under a temporary name, so that an abrupt end can remove them."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO


class TemporaryFiles:
    """The files being written now. All methods may be called from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._paths: set[Path] = set()

    @contextmanager
    def writing(self, path: Path, create: Callable[[], IO[bytes]]) -> Iterator[IO[bytes]]:
        """Create a file that is temporary while the block runs; it moves or removes the file."""
        # Together: a file that is created after `abandon` would stay.
        with self._lock:
            file = create()
            self._paths.add(path)
        try:
            yield file
        finally:
            with self._lock:
                self._paths.discard(path)

    def abandon(self) -> None:
        """Remove them all, and let no thread begin another one: the process ends at once."""
        self._lock.acquire()  # never released
        for path in self._paths:
            with suppress(OSError):
                path.unlink()


temporary_files = TemporaryFiles()
"""Those of this process."""
