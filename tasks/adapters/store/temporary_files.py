"""Files being written under a temporary name, so that an abrupt end can remove them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class TemporaryFiles:
    """The files being written now. All methods may be called from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._paths: set[Path] = set()

    @contextmanager
    def writing(self, path: Path) -> Iterator[None]:
        """Count a file as temporary while the block runs; by its end it is moved or removed."""
        with self._lock:
            self._paths.add(path)
        try:
            yield
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
