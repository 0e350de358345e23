"""Where Prefect keeps the results of mapped tasks: in the store, so that every worker finds them."""

import hashlib
from typing import Any

from prefect.filesystems import WritableFileSystem
from pydantic import PrivateAttr

from image_tags.tasks.adapters.store.opening import open_store
from image_tags.tasks.adapters.store.store import Store
from image_tags.tasks.contracts.settings import StoreSettings


class StoreResults(WritableFileSystem):
    """Prefect's result storage over a store. A result's key is a key of the store, below its run.

    Plain functions where Prefect's own are async or both: it takes either.

    Saved as a block, because Prefect takes no other; it names the store and holds no secret.
    """

    _block_type_name = "image-tags store"
    _block_type_slug = "image-tags-store"
    _description = "Results of image-tags task runs, kept in the store that the flow works on."

    settings: StoreSettings
    _store: Store | None = PrivateAttr(default=None)

    @classmethod
    def for_store(cls, settings: StoreSettings) -> "StoreResults":
        """The saved block of this store."""
        block = cls(settings=settings)
        name = hashlib.sha256(settings.model_dump_json().encode()).hexdigest()[:12]
        block.save(f"store-{name}", overwrite=True)
        return block

    def read_path(self, path: str, **_: Any) -> bytes:  # type: ignore[override]
        """One result's bytes."""
        return self._open_store().read(_result_key(path))

    def write_path(self, path: str, content: bytes, **_: Any) -> None:  # type: ignore[override]
        """Keep one result."""
        self._open_store().write(_result_key(path), content, "application/octet-stream")

    def _open_store(self) -> Store:
        if self._store is None:
            self._store = open_store(self.settings)
        return self._store


def _result_key(path: str) -> str:
    # A failed task run's exception is kept under a name that Prefect makes up; ours name their run.
    return path if path.startswith("runs/") else f"prefect/{path}"
