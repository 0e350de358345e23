"""A folder as store."""

import hashlib
import os
import random
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

from typing_extensions import override

from image_tags.tasks.adapters.store.disk import opened_new, replace, sync
from image_tags.tasks.adapters.store.file_lock import LONGEST_WAIT, HeldTooLong, holding
from image_tags.tasks.adapters.store.store import NotInStore, Store
from image_tags.tasks.adapters.store.temporary_files import temporary_files
from image_tags.tasks.contracts.errors import StopRun, UsageError

COPIED_AT_ONCE = 1 << 20
"""Bytes of a file in memory while it is copied."""


class FolderStore(Store):
    """A folder as store.

    A write goes to a temporary file, which then takes its target's place in one move.
    """

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/") or "/"
        self._root = Path(address).expanduser().absolute()

    @override
    def read(self, key: str) -> bytes:
        try:
            return self._path(key).read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise NotInStore(f"{self.locate(key)} is not there.") from None
        except OSError as error:
            raise self._stop(error, "read") from None

    @override
    def write(self, key: str, data: bytes, content_type: str, *, durable: bool = True) -> None:
        self._put(key, data, replace, durable)

    @override
    def add(self, key: str, data: bytes, content_type: str, *, durable: bool = True) -> bool:
        return not self.exists(key) and self._put(key, data, self._place, durable)

    @override
    def exists(self, key: str) -> bool:
        return self.size(key) is not None

    @override
    def size(self, key: str) -> int | None:
        try:
            found = self._path(key).stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise self._stop(error, "read") from None
        return found.st_size if stat.S_ISREG(found.st_mode) else None

    @override
    def keys(self, prefix: str) -> Iterator[str]:

        def failed(error: OSError) -> None:
            if not isinstance(error, (FileNotFoundError, NotADirectoryError)):
                raise self._stop(error, "read") from None

        walk = os.walk(self._path(prefix), onerror=failed)
        found = (
            Path(folder, name)
            for folder, _, names in walk
            for name in names
            if not name.startswith(".")
        )
        yield from sorted(path.relative_to(self._root).as_posix() for path in found)

    @override
    def list_sizes(self, prefix: str) -> dict[str, int]:
        # A folder that changes while it is read may show neither of two files, so removals wait.
        with self._locked(shared=True):
            found = {key: self.size(key) for key in self.keys(prefix)}
        return {key: size for key, size in found.items() if size is not None}

    @override
    def read_range(self, key: str, start: int, length: int) -> bytes:
        try:
            with self._path(key).open("rb") as file:
                file.seek(start)
                return file.read(length)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise NotInStore(f"{self.locate(key)} is not there.") from None
        except OSError as error:
            raise self._stop(error, "read") from None

    @override
    def delete(self, key: str) -> None:
        if self.exists(key):
            try:
                self._path(key).unlink(missing_ok=True)
            except OSError as error:
                raise self._stop(error, "written") from None

    @override
    def delete_all(self, keys: Iterable[str]) -> None:
        with self._locked():
            for key in keys:
                self.delete(key)

    @override
    def read_tagged(self, key: str) -> tuple[bytes, str] | None:
        try:
            data = self.read(key)
        except NotInStore:
            return None
        return data, hashlib.sha256(data).hexdigest()

    @override
    def swap(self, key: str, data: bytes, content_type: str, token: str | None) -> bool:

        def swapped(made: Path, target: Path) -> bool:
            with self._locked():
                found = self.read_tagged(key)
                return (found[1] if found else None) == token and replace(made, target)

        return self._put(key, data, swapped)

    @override
    def fetch_file(self, key: str, folder: Path) -> Path:
        if not self.exists(key):
            raise NotInStore(f"{self.locate(key)} is not there.")
        return self._path(key)

    @override
    def put_file(self, key: str, path: Path, content_type: str) -> None:

        def copy_into(made: IO[bytes]) -> None:
            with path.open("rb") as file:
                shutil.copyfileobj(file, made, COPIED_AT_ONCE)

        self._put(key, copy_into, replace)

    @override
    def copy(self, key: str, target: str) -> None:
        self.put_file(target, self.fetch_file(key, self._root), "")

    @override
    def locate(self, key: str) -> str:
        return str(self._path(key))

    @override
    def bucket_and_key(self, key: str) -> tuple[str, str] | None:
        return None

    @override
    def check_writable(self) -> None:
        try:
            self.write(".check/object", b"ok", "text/plain")
            self.delete(".check/object")
        except StopRun as error:
            raise UsageError(str(error)) from None

    def _path(self, key: str) -> Path:
        parts = key.split("/")
        if key.startswith("/") or ".." in parts or not any(parts):
            raise ValueError(f"not a key: {key!r}")
        return self._root.joinpath(*parts)

    def _put(
        self,
        key: str,
        data: bytes | Callable[[IO[bytes]], None],
        move: Callable[[Path, Path], bool],
        durable: bool = True,
    ) -> bool:
        """Make a file of the data (or what writes it) and move it to its place, if it may go there.

        Durable: the data is on disk before it is seen, and its name before the put returns.
        """
        target = self._path(key)
        made = target.with_name(f".{target.name}.{random.getrandbits(64):x}")
        try:
            with temporary_files.writing(made, lambda: opened_new(made, durable)) as file:
                return self._write_and_move(file, made, target, data, move, durable)
        except OSError as error:
            raise self._stop(error, "written") from None

    def _write_and_move(
        self,
        file: IO[bytes],
        made: Path,
        target: Path,
        data: bytes | Callable[[IO[bytes]], None],
        move: Callable[[Path, Path], bool],
        durable: bool,
    ) -> bool:
        try:
            with file:
                if callable(data):
                    data(file)
                else:
                    file.write(data)
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
            if not move(made, target):
                made.unlink()
                return False
            if durable:
                sync(target.parent)
        except BaseException:
            with suppress(OSError):
                made.unlink()
            raise
        return True

    def _place(self, made: Path, target: Path) -> bool:
        """Move a file to where none is yet."""
        try:
            os.link(made, target)
        except FileExistsError:
            return False
        except OSError:  # a file system without hard links
            with self._locked():
                return not target.exists() and replace(made, target)
        made.unlink()
        return True

    @contextmanager
    def _locked(self, *, shared: bool = False) -> Iterator[None]:
        with ExitStack() as stack:
            try:
                stack.enter_context(holding(self._root / ".lock", shared=shared))
            except FileNotFoundError:  # no store yet, so nothing to guard
                pass
            except HeldTooLong:
                raise StopRun(
                    f"Another process has kept the store {self.address!r} locked for "
                    f"{LONGEST_WAIT / 60:.0f} minutes. One that uses it is stopped or hangs: "
                    "let it go on or end it, then run the same command again."
                ) from None
            except OSError as error:
                raise self._stop(error, "written") from None
            yield

    def _stop(self, error: OSError, done: str) -> StopRun:
        return StopRun(f"The store {self.address!r} cannot be {done}: {error.strerror}.")
