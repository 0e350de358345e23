"""One log: its reader and its writer. `image_tags.tasks.adapters.segments` shows how it is used."""

import logging
import threading
from collections import deque
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from image_tags.tasks.adapters.segments.group_commit import CommitFailures, GroupCommit
from image_tags.tasks.adapters.segments.index import Index
from image_tags.tasks.adapters.segments.merging import IsGone, Merger
from image_tags.tasks.adapters.segments.names import new_name, parse_name
from image_tags.tasks.adapters.segments.parquet_segments import (
    DamagedSegment,
    decode_segment,
    encode_segment,
    open_segment,
)
from image_tags.tasks.adapters.store import owner
from image_tags.tasks.adapters.store.store import PARQUET, NotInStore, Store
from image_tags.tasks.contracts.errors import StopRun

INTERVAL = 0.5
"""Seconds between two commits of one log by one process."""
THREADS = 16
"""Segments whose keys are read at the same time."""
FRESH = 8_000_000
"""Bytes of segments written here that are kept in memory until they are merged."""
AHEAD = 3
"""Segments whose columns are in memory at the same time."""
TRIES = 20
"""Listings until segments that vanish in between must mean something else than merging."""
MERGE_AFTER = 200
"""Segments that a process writes before it merges without waiting for its end."""

log = logging.getLogger(__name__)


class SegmentLog:
    """Entries by key under one prefix of the store.

    All methods may be called from many threads.
    """

    def __init__(
        self,
        store: Store,
        prefix: str,
        schema: pa.Schema,
        *,
        key: str,
        time: str,
        interval: float | None = INTERVAL,
        failures: CommitFailures | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        """Open; nothing is read yet.

        Args:
            store: where it is.
            prefix: of its segments, without a slash at the end. Nothing else may be below it.
            schema: of its entries; columns may be added to it in later versions.
            key: the column by which entries are found, a string.
            time: the column that says which of two entries of one key is newer.
            interval: least seconds between two commits; None commits each entry by itself, in the
                thread that adds it.
            failures: of all logs that are paid for at the same time.
            metadata: kept in the footer of each segment, as JSON.

        """
        self.prefix = prefix
        self.schema = schema
        self._store = store
        self._key = key
        self._time = time
        self._metadata = dict(metadata or {})
        self._index = Index(schema.field(key).type, schema.field(time).type)
        self._lock = threading.Lock()
        """Guards the index and the names and numbers of segments."""
        self._refreshing = threading.Lock()
        self._numbers: dict[str, int] = {}
        self._names: list[str] = []
        self._sizes: dict[str, int] = {}
        self._committing: set[str] = set()
        self._commits = GroupCommit(
            self._commit, interval, name=f"commit {prefix}", failures=failures
        )
        self._written = 0
        self._fresh: dict[str, bytes] = {}
        """Segments written here, kept to be read or merged without a request."""
        self._merger = Merger(
            store,
            prefix,
            schema,
            self._read_whole,
            self._keep_newest,
            self._set_aside,
        )
        self._merging: threading.Thread | None = None

    def add(self, entry: Mapping[str, Any]) -> Future[None]:
        """Append an entry: values by column, those that are left out are null.

        The future is done once the entry is durable, and raises what the store raised.
        """
        return self._commits.add(dict(entry))

    def wait_for_outage(self) -> None:
        """Wait while the store does not take what was added; StopRun if it was given up."""
        self._commits.wait_for_outage()

    def add_together(self, entries: Sequence[Mapping[str, Any]]) -> None:
        """Append many entries as one segment, durable on return."""
        self._commit([dict(entry) for entry in entries])

    def refresh(self) -> None:
        """List the segments and read keys and times of those that appeared since the last time."""
        with self._refreshing:
            for _ in range(TRIES):
                if self._load_new():
                    return
        raise StopRun(
            f"Segments below {self._store.locate(self.prefix)} vanish while they are read: is "
            "something else than image-tags deleting them?"
        )

    def find_times(self, keys: Collection[str] | None = None) -> dict[str, Any]:
        """When the newest entry of each key was made, for those of the keys that have one.

        Without a request: it knows what was committed here and what `refresh` has read.
        """
        found = self._find(keys)
        return dict(zip(found["key"].to_pylist(), found["time"].to_pylist(), strict=True))

    def read(
        self, columns: Sequence[str], keys: Collection[str] | None = None
    ) -> Iterator[pa.Table]:
        """The newest entries, of some keys or of all, as tables in no particular order.

        It gives what was known at the last `refresh`. The key column always comes along.
        """
        names = list(dict.fromkeys([self._key, *columns]))
        if unknown := set(names) - set(self.schema.names):
            raise ValueError(f"not a column of {self.prefix}: {', '.join(sorted(unknown))}")
        lost = yield from self._read_found(names, self._find(keys))
        if lost:
            self.refresh()
            yield from self._read_again(names, lost)

    def merge(self) -> int:
        """Merge small segments into larger ones; returns how many were replaced."""
        replaced = self._merger.merge()
        with self._lock:
            self._fresh.clear()
        return replaced

    def remove_where(self, is_gone: IsGone, *, dry_run: bool = False) -> int:
        """Remove entries, while no other process uses the log; returns how many there were.

        Args:
            is_gone: marks the entries to remove, in a table of the log's schema.
            dry_run: only count.

        """
        removed = self._merger.remove(is_gone, dry_run=dry_run)
        with self._lock:
            self._fresh.clear()
        return removed

    def close(self) -> None:
        """Commit what waits; if anything was committed since the last time, merge."""
        self._commits.close()
        with self._lock:
            merging, self._merging = self._merging, None
            written, self._written = self._written, 0
        if merging is not None:
            merging.join()
        if written:
            self._merge_quietly()

    def _find(self, keys: Collection[str] | None) -> pa.Table:
        with self._lock:
            index = self._index.snapshot()
        return index.find(keys)

    def _load_new(self) -> bool:
        """Load what is new; False if a segment vanished before it could be read."""
        with self._lock:
            known = list(self._numbers)
        listed = {
            key.rpartition("/")[2]: size
            for key, size in self._store.list_sizes(f"{self.prefix}/").items()
        }
        listed = {name: size for name, size in listed.items() if parse_name(name)}
        with self._lock:
            new = [n for n in listed if n not in self._numbers and n not in self._committing]
            gone = [name for name in known if name not in listed]
            self._sizes.update((name, listed[name]) for name in new)
        if new:
            with ThreadPoolExecutor(min(THREADS, len(new)), thread_name_prefix="segments") as pool:
                loaded = list(pool.map(self._load_keys, new))
            if not all(loaded):
                return False
        # Only now: what replaces them is in the index.
        with self._lock:
            self._forget(gone)
        return True

    def _load_keys(self, name: str) -> bool:
        try:
            table = self._read_segment(name, [self._key, self._time])
        except NotInStore:
            return False
        except DamagedSegment as error:
            self._set_aside(name, error)
            return True
        with self._lock:
            self._index.add(self._number(name), table[self._key], table[self._time])
        return True

    def _read_segment(
        self, name: str, columns: Sequence[str], rows: pa.Array | None = None
    ) -> pa.Table:
        key = f"{self.prefix}/{name}"
        source = self._fresh.get(name) or open_segment(self._store, key, self._sizes[name])
        return decode_segment(source, columns, self.schema, rows)

    def _read_whole(self, name: str) -> bytes:
        return self._fresh.get(name) or self._store.read(f"{self.prefix}/{name}")

    def _read_found(
        self, names: list[str], found: pa.Table
    ) -> Generator[pa.Table, None, list[str]]:
        """Read entries segment by segment; returns the keys whose segment is gone or damaged."""
        parts = _split_by_segment(found)
        lost: list[str] = []
        with ThreadPoolExecutor(AHEAD, thread_name_prefix="segments") as pool:
            waiting: deque[tuple[pa.Table, Future[pa.Table | None]]] = deque()
            try:
                while parts or waiting:
                    while parts and len(waiting) < AHEAD:
                        part = parts.popleft()
                        waiting.append((part, pool.submit(self._read_part, names, part)))
                    part, reading = waiting.popleft()
                    table = reading.result()
                    if table is None:
                        lost += part["key"].to_pylist()
                    else:
                        yield table
            finally:
                pool.shutdown(cancel_futures=True)
        return lost

    def _read_again(self, names: list[str], keys: list[str]) -> Iterator[pa.Table]:
        for _ in range(TRIES):
            keys = yield from self._read_found(names, self._find(keys))
            if not keys:
                return
            self.refresh()
        raise StopRun(f"Segments below {self._store.locate(self.prefix)} vanish while being read.")

    def _read_part(self, names: list[str], part: pa.Table) -> pa.Table | None:
        name = self._names[part["segment"][0].as_py()]
        rows = part["row"].combine_chunks().sort()
        try:
            return self._read_segment(name, names, rows)
        except NotInStore:
            return None
        except DamagedSegment as error:
            self._set_aside(name, error)
            return None

    def _commit(self, rows: list[dict[str, Any]]) -> None:
        table = pa.Table.from_pylist(rows, schema=self.schema)
        data = encode_segment(table, self._metadata)
        name = str(new_name(owner.name()))
        with self._lock:
            self._committing.add(name)
        try:
            self._store.write(f"{self.prefix}/{name}", data, PARQUET)
        except BaseException:
            with self._lock:  # it may be there all the same: then the next refresh reads it
                self._committing.discard(name)
            raise
        with self._lock:
            self._sizes[name] = len(data)
            if sum(map(len, self._fresh.values())) + len(data) <= FRESH:
                self._fresh[name] = data
            self._index.add(self._number(name), table[self._key], table[self._time])
            self._committing.discard(name)
            self._written += 1
            if self._written >= MERGE_AFTER and self._merging is None:
                self._written = 0
                self._merging = threading.Thread(target=self._merge_now, daemon=True)
                self._merging.start()

    def _merge_now(self) -> None:
        self._merge_quietly()
        with self._lock:
            self._merging = None

    def _merge_quietly(self) -> None:
        try:
            self.merge()
        except StopRun as error:  # it only saves later requests
            log.warning("The segments below %s could not be merged: %s", self.prefix, error)

    def _set_aside(self, name: str, error: DamagedSegment) -> None:
        """Move a damaged segment out of the way; its entries count as absent."""
        key = f"{self.prefix}/{name}"
        log.warning(
            "%s cannot be read, so its entries count as absent; it was moved to %s: %s",
            self._store.locate(key),
            self._store.locate(f"damaged/{key}"),
            error,
        )
        try:
            self._store.write(f"damaged/{key}", self._store.read(key), PARQUET)
            self._store.delete(key)
        except NotInStore:  # another process was faster
            pass
        with self._lock:
            self._forget([name])

    def _keep_newest(self, entries: pa.Table) -> pa.Table:
        index = Index(self.schema.field(self._key).type, self.schema.field(self._time).type)
        index.add(0, entries[self._key], entries[self._time])
        found = index.find()
        return entries.take(found["row"]).sort_by(self._key)

    def _number(self, name: str) -> int:
        if name not in self._numbers:
            self._numbers[name] = len(self._names)
            self._names.append(name)
        return self._numbers[name]

    def _forget(self, names: Iterable[str]) -> None:
        names = list(names)
        for name in names:
            self._fresh.pop(name, None)
        numbers = [self._numbers.pop(name) for name in names if name in self._numbers]
        if numbers:
            self._index.drop(numbers)


def _split_by_segment(found: pa.Table) -> deque[pa.Table]:
    segments = found["segment"].unique()
    return deque(found.filter(pc.equal(found["segment"], segment)) for segment in segments)
