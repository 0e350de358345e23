"""A run to be killed: a site, an analyzer that bills, a store with a version that readers see, and
a reader.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from image_tags.tasks.adapters.files.tables import parquet_table
from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.adapters.store.store import NotInStore, Store
from image_tags.tasks.execution.task_runners import WORKERS
from image_tags.tasks.published.pointer import read_pointer
from tests.support.command import PROGRAM, Result, image_tags
from tests.support.forked_python import Program, start_python
from tests.support.rekognition_endpoint import HOLD, Fault, RekognitionEndpoint
from tests.support.site import Site

OLD, ALL = 4, 16
"""Pictures in the version that readers see before the kill, and in the one that shall come."""
OPERATIONS = ("detect_labels", "detect_text")
NEEDED = (ALL - OLD) * len(OPERATIONS)
"""Calls that the second version needs."""
AT_ONCE = WORKERS
"""Calls at the same time, at most: one of each batch at work, and a batch is one image."""
OPTIONS: dict[str, Any] = {
    "url_column": "link",
    "analyzer": "rekognition",
    "operations": list(OPERATIONS),
    "analyzer_threads": 1,
    "allow_private_addresses": True,
    "batch_size": 1,
}


class World:
    """A feed of pictures, of which a first version was published when it was shorter."""

    def __init__(
        self, folder: Path, environment: Mapping[str, str], endpoint: RekognitionEndpoint
    ) -> None:
        self.folder, self.endpoint = folder, endpoint
        self.env = {**environment, **endpoint.environment()}
        self.site = Site()
        self.links = [self.site.picture(f"/{n}.png", n) for n in range(ALL)]
        self.source = folder / "feed.csv"
        self._feed(OLD)
        assert self.run(folder / "first").code == 0
        self._feed(ALL)

    def _feed(self, pictures: int) -> None:
        rows = "".join(f"{link},{n}\n" for n, link in enumerate(self.links[:pictures]))
        self.source.write_text("link,likes\n" + rows)

    def new_store(self, name: str) -> FolderStore:
        """A store with the first version in it, and nothing of the second."""
        shutil.copytree(self.folder / "first", self.folder / name)
        return FolderStore(str(self.folder / name))

    def words(self, store: Path | str) -> list[str]:
        """The command line of a run."""
        words = ["run", str(self.source), "--store", str(store), "--json"]
        for option, value in OPTIONS.items():
            flag = "--" + option.replace("_", "-")
            words += (
                [flag]
                if value is True
                else [flag, ",".join(value) if isinstance(value, list) else str(value)]
            )
        return words

    def run(self, store: Path | str) -> Result:
        """`image-tags run`, to its end."""
        return image_tags(*self.words(store), env=self.env)

    @contextlib.contextmanager
    def started(self, store: Store, forked: bool = False, **more: str) -> Iterator[Program]:
        """`image-tags run` in a process of its own, with more environment, which never outlives the
        block; see `log`.

        `forked`: without its imports, see `ForkedPython`.
        """
        env = {**os.environ, **self.env, **more}
        with self.log.open("wb") as log:
            words = ["-c", PROGRAM, *self.words(store.address)]
            process: Program
            if forked:
                process = start_python(words, env=env, stdout=log, stderr=log)
            else:
                command = [sys.executable, *words]
                process = subprocess.Popen(command, env=env, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    @property
    def log(self) -> Path:
        """What the last started run said."""
        return self.folder / "started.log"

    def hold_answers(self, after: int) -> None:
        """Let so many calls come through; those that follow are billed and get no answer."""
        self.endpoint.seen.held = 0
        self.endpoint.release.clear()
        self.endpoint.faults = [Fault(HOLD, times=None, after=after)]

    def give_answers(self) -> None:
        """All is well again."""
        self.endpoint.faults = []
        self.endpoint.release.set()

    def reached(self, moment: Callable[[], bool], within: float = 120) -> None:
        """Wait for a moment of the started run, looking so often that it is hardly over when this
        returns.
        """
        pause, end = threading.Event(), time.monotonic() + within
        while not moment():
            assert time.monotonic() < end, (
                f"the run never came there:\n{self.log.read_text()[-3000:]}"
            )
            pause.wait(0.003)

    def billed_since(self, before: Mapping[tuple[str, str], int]) -> dict[tuple[str, str], int]:
        """Calls billed since then, by operation and picture."""
        now = dict(self.endpoint.seen.billed)
        return {call: n - before.get(call, 0) for call, n in now.items() if n > before.get(call, 0)}


def kill(process: Program) -> None:
    """kill -9."""
    process.send_signal(signal.SIGKILL)
    process.wait()


def answered(store: Store) -> set[tuple[str, str]]:
    """The calls whose answer is in the ledger: operation, as the service calls it, and image."""
    found = set()
    for key in store.keys("responses/"):
        operation = key.split("/")[1].rpartition("-")[0].title().replace("_", "")
        with contextlib.suppress(NotInStore):  # merged meanwhile
            ids = parquet_table(store.read(key))["image_id"].to_pylist()
            found |= {(operation, image_id) for image_id in ids}
    return found


def comparable(store: Store) -> dict[str, list[dict[str, Any]]]:
    """The tables that readers see, without the one column that says where a store is."""
    pointer, _ = read_pointer(store)
    assert pointer
    tables = {
        name: parquet_table(store.read(key)).to_pylist() for name, key in pointer.tables.items()
    }
    return {
        name: [
            {column: value for column, value in row.items() if column != "object"} for row in rows
        ]
        for name, rows in tables.items()
    }


def twice_billed(
    world: World, before: Mapping[tuple[str, str], int], saved: set[tuple[str, str]]
) -> int:
    """How many calls were billed twice since then, after a kill and another run: none of those
    whose answer was saved.

    All others that were needed were billed once.
    """
    billed = world.billed_since(before)
    twice = {call for call, n in billed.items() if n > 1}
    assert sum(billed.values()) == NEEDED + len(twice)
    assert len(billed) == NEEDED
    assert twice.isdisjoint(saved)
    return len(twice)


class Reader:
    """Reads the tables of a store all the time, from the pointer on, as users do: each version must
    be whole.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self.seen: dict[str, int] = {}
        """How often each version was read."""
        self.error: BaseException | None = None

    def __enter__(self) -> "Reader":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        if self.error:
            raise AssertionError("a reader saw less than a whole version") from self.error

    def _read(self) -> None:
        try:
            while not self._over.is_set():
                self._look()
                self._over.wait(0.02)
        except BaseException as error:
            self.error = error

    def _look(self) -> None:
        pointer, _ = read_pointer(self._store)
        assert pointer, "there is no pointer"
        rows = {
            name: parquet_table(self._store.read(key)).num_rows
            for name, key in pointer.tables.items()
        }
        summary = json.loads(self._store.read(f"published/{pointer.version}/summary.json"))
        assert rows == summary["tables"], f"{pointer.version}: {rows}"
        assert self._store.exists(f"published/{pointer.version}/report.html")
        self.seen[pointer.version] = self.seen.get(pointer.version, 0) + 1
