"""Tags that earlier runs read from responses, so that no response is parsed twice.

They are derived data under `derived/tags-<version>/`, where the version stands for everything that
they depend on besides the answers: the code of the readers, the operations with their settings, and
the analyzer. Deleting them costs time and nothing else.

A file of tags, `<name>.parquet`, has the tags of some images. Its index, `<name>.index.parquet`, is
written last: it lists these images, each with a stamp of the answers that its tags were read from.
An image's tags are used again if its stamp is still the same. Names stand for the index's content,
so that a file is never replaced by another one.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path

import pyarrow as pa

from image_tags.tasks.adapters.files.errors import DamagedTable
from image_tags.tasks.adapters.files.tables import parquet_bytes, parquet_table
from image_tags.tasks.adapters.store.store import PARQUET, NotInStore, Store
from image_tags.tasks.contracts.tables import TAGS_LONG, schema_of
from image_tags.tasks.execution.staged_tables import StagedTables

INDEX_SCHEMA = pa.schema([("image_id", pa.string()), ("stamp", pa.string())])

ENDING = ".index.parquet"

MOST = 8
"""Files of tags; where there are more, they are replaced by one with the tags of a whole run."""

READERS = ("operations.py", "responses.py", "response_fields.py")
"""The modules of `contracts/` whose code decides which tags a response gives."""

Stamps = Mapping[str, str | None]
"""The stamp of each image's answers; None where an answer is missing."""


class DerivedTags:
    """The derived tags of one version in one store."""

    def __init__(self, store: Store, analyzer: str, operations: Mapping[str, str]) -> None:
        """Open; nothing is read yet.

        Args:
            store: where they are.
            analyzer: its name.
            operations: each operation with the fingerprint of its settings.

        """
        self._store = store
        self._prefix = f"derived/tags-{name_version(analyzer, operations)}/"

    def find(self, stamps: Stamps, folder: Path) -> dict[str, Path]:
        """The images whose tags were read from these very answers, each with a local file of tags.

        Args:
            stamps: the images.
            folder: for files that have to be downloaded.

        """
        found: dict[str, Path] = {}
        for key in self._list_indexes():
            try:
                index = parquet_table(self._store.read(key))
                pairs = zip(index["image_id"].to_pylist(), index["stamp"].to_pylist(), strict=True)
                same = [
                    one for one, stamp in pairs if one not in found and stamps.get(one) == stamp
                ]
                if same:
                    path = self._store.fetch_file(_file_of(key), folder)
                    found.update(dict.fromkeys(same, path))
            except (NotInStore, KeyError, DamagedTable):
                continue  # removed meanwhile, or damaged: these images are read again
        return found

    def save(self, stamps: Stamps, path: Path) -> str | None:
        """Keep the tags of some images, which are in a local file; returns the index's key.

        Images without a stamp are left out: they have no index, so they are not found.
        """
        known = {one: stamp for one, stamp in stamps.items() if stamp is not None}
        if not known:
            return None
        index = pa.table([list(known), list(known.values())], schema=INDEX_SCHEMA)
        data = parquet_bytes(index)
        key = f"{self._prefix}{hashlib.sha256(data).hexdigest()[:16]}{ENDING}"
        self._store.put_file(_file_of(key), path, PARQUET)
        self._store.write(key, data, PARQUET)
        return key

    def limit_files(self, stamps: Stamps, tables: StagedTables) -> None:
        """Replace the files by the run's own tags if there are too many.

        Args:
            stamps: the images of the run whose tags are in its staged table `all_tags`.
            tables: the run's staged tables.

        """
        keys = self._list_indexes()
        if len(keys) <= MOST:
            return
        kept = self.save(stamps, tables.path("all_tags"))
        others = [key for key in keys if key != kept]
        # Without its index, a file of tags is not looked at.
        self._store.delete_all(others)
        self._store.delete_all(map(_file_of, others))

    def _list_indexes(self) -> list[str]:
        return [key for key in self._store.keys(self._prefix) if key.endswith(ENDING)]


def _file_of(index_key: str) -> str:
    return f"{index_key.removesuffix(ENDING)}.parquet"


def make_stamp(answered: Iterable[object]) -> str | None:
    """A name for an image's answers, from when each was given; None if one is missing."""
    times = list(answered)
    return None if None in times else " ".join(str(time) for time in times)


def name_version(analyzer: str, operations: Mapping[str, str]) -> str:
    """A short name for everything that tags depend on besides the answers."""
    code = [(files("image_tags.tasks.contracts") / name).read_bytes() for name in READERS]
    columns = [(field.name, str(field.type)) for field in schema_of(TAGS_LONG)]
    settings = json.dumps([analyzer, list(operations.items()), columns]).encode()
    return hashlib.sha256(b"\0".join([*code, settings])).hexdigest()[:16]
