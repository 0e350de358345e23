"""A run's staged tables as local files, read and written in parts.

On a folder they are read where they are stored; on S3 they are downloaded once per step. Tables are
written to a temporary file first and then put into the store as one object.
"""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType

import pyarrow as pa

from image_tags.tasks.adapters.files.table_files import TableFile, TableWriter, write_table_file
from image_tags.tasks.adapters.store.store import PARQUET, Store
from image_tags.tasks.execution.run_folder import staged_key


class StagedTables:
    """The staged tables of one run; a context manager, which removes its temporary files."""

    def __init__(self, store: Store, run: str) -> None:
        self._store, self._run = store, run
        self._cleanup = ExitStack()
        self._folder: Path | None = None
        self._paths: dict[str, Path] = {}

    def __enter__(self) -> "StagedTables":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._cleanup.close()

    @property
    def folder(self) -> Path:
        """A folder for temporary files of this step, made when it is first needed."""
        if self._folder is None:
            made = tempfile.TemporaryDirectory(prefix="image-tags-", ignore_cleanup_errors=True)
            self._folder = Path(self._cleanup.enter_context(made))
        return self._folder

    def path(self, name: str) -> Path:
        """A staged table's local file; NotInStore if it was not staged."""
        if name not in self._paths:
            key = staged_key(self._run, name)
            # A folder store needs no temporary folder: it gives its own file.
            is_local = self._store.bucket_and_key("") is None
            folder = Path() if is_local else self.folder
            self._paths[name] = self._store.fetch_file(key, folder)
        return self._paths[name]

    def open(self, name: str) -> TableFile:
        """A staged table; NotInStore if it was not staged."""
        return TableFile(self.path(name))

    @contextmanager
    def write(self, name: str, schema: pa.Schema) -> Iterator[TableWriter]:
        """Stage a table part by part; nothing is staged if an exception leaves the context."""
        path = self.folder / f"{name}.parquet"
        with write_table_file(path, schema) as writer:
            yield writer
        self.put_file(name, path)

    def put_file(self, name: str, path: Path) -> None:
        """Stage a table that is a local file, which must stay as it is until the step ends."""
        self._store.put_file(staged_key(self._run, name), path, PARQUET)
        # Later reads of this step need no download.
        self._paths[name] = path

    def stage(self, name: str, table: pa.Table) -> None:
        """Stage a table that is in memory."""
        with self.write(name, table.schema) as writer:
            writer.append(table)
