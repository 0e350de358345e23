"""Where Prefect keeps the results of mapped tasks: in the store, so that every worker finds them."""

from pathlib import PurePosixPath
from typing import Any

from prefect.filesystems import WritableFileSystem
from pydantic import PrivateAttr

from tasks.adapters.store import Store

ROOT = PurePosixPath("/results")
"""What stands before a key while Prefect handles it as a path; never written anywhere."""


class StoreResults(WritableFileSystem):
    """Prefect's result storage over a store, below one prefix. Not saved as a block: each process makes its own."""

    _store: Store = PrivateAttr()
    _prefix: str = PrivateAttr()

    @classmethod
    def below(cls, store: Store, prefix: str) -> "StoreResults":
        """Results in this store under `prefix/`."""
        block = cls()
        block._store, block._prefix = store, prefix
        return block

    def read_path(self, path: str, **_: Any) -> bytes:
        """One result's bytes."""
        return self._store.read(self._key(path))

    def write_path(self, path: str, content: bytes, **_: Any) -> None:
        """Keep one result."""
        self._store.write(self._key(path), content, "application/octet-stream")

    def _resolve_path(self, path: str) -> PurePosixPath:
        # Prefect asks for this by name, and strips what `_resolve_path("")` gives from each path.
        return ROOT / path

    def _key(self, path: str) -> str:
        return f"{self._prefix}/{(ROOT / path).relative_to(ROOT)}"
