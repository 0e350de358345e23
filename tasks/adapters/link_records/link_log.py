"""The log of link records: read once per run, appended to while links are fetched."""

import logging
import threading
from collections.abc import Collection, Iterator
from concurrent.futures import Future
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from image_tags.tasks.adapters.link_records.record import SCHEMA, LinkRecord, read_rows, to_row
from image_tags.tasks.adapters.segments import SegmentLog
from image_tags.tasks.adapters.segments.log import INTERVAL
from image_tags.tasks.adapters.segments.merging import IsGone
from image_tags.tasks.adapters.store.store import Store
from image_tags.tasks.contracts.records import Fetched

PREFIX = "links"

MAX_LINK = 8_192
"""Characters; what is longer is rejected without a request, or carries its picture in itself."""

MANY = 10_000
"""Additions under way after which those that are durable are forgotten."""

log = logging.getLogger(__name__)


def is_recorded(url: str) -> bool:
    """Whether a link has a record: not if it costs no request, or is no text that can be stored."""
    return len(url) <= MAX_LINK and not any("\ud800" <= c <= "\udfff" for c in url)


class LinkLog:
    """What is known of links. All methods may be called from many threads.

    Segments are listed once, at the first look. Other runs may write at the same time: both may
    then fetch a new link, and the newest record counts.
    """

    def __init__(self, store: Store, interval: float | None = INTERVAL) -> None:
        """Nothing is read yet. `interval`: least seconds between two commits."""
        self._log = SegmentLog(store, PREFIX, SCHEMA, key="url", time="recorded", interval=interval)
        self._loading = threading.Lock()
        self._lock = threading.Lock()
        self._loaded = False
        self._adding: list[Future[None]] = []
        self._kept: dict[str, LinkRecord] = {}

    def read(self, urls: Collection[str]) -> Iterator[list[LinkRecord]]:
        """The records of those of the links that have one, a part at a time, in no order."""
        self._load()
        for table in self._log.read(SCHEMA.names, [url for url in urls if is_recorded(url)]):
            yield list(read_rows(table))

    def find(self, urls: Collection[str]) -> dict[str, LinkRecord]:
        """The records of those of the links that have one."""
        with self._lock:
            found = {url: self._kept[url] for url in urls if url in self._kept}
        others = [url for url in urls if url not in found]
        found.update((record.outcome.url, record) for part in self.read(others) for record in part)
        return found

    def find_links(self, image_ids: Collection[str]) -> dict[str, list[str]]:
        """The links that led to each of some pictures, as far as they are recorded; reads all."""
        wanted, found = pa.array(list(image_ids), pa.string()), dict[str, list[str]]()
        self._log.refresh()
        for table in self._log.read(["image_id"]):
            led = table.filter(pc.is_in(table["image_id"], value_set=wanted))
            for row in led.to_pylist():
                found.setdefault(row["image_id"], []).append(row["url"])
        return {image_id: sorted(links) for image_id, links in found.items()}

    def find_last_pictures(self, most: int = 3) -> list[Fetched]:
        """Links that led to a picture when they were last asked: the newest of the newest hosts.

        Reads all records, so it is for rare cases.
        """
        self._load()
        newest: dict[str, Fetched] = {}
        for table in self._log.read(SCHEMA.names):
            for one in (record.outcome for record in read_rows(table)):
                host = one.url.partition("//")[2].partition("/")[0]
                if one.reason is None and (host not in newest or one.time > newest[host].time):
                    newest[host] = one
        return sorted(newest.values(), key=lambda one: -one.time)[:most]

    def keep_in_memory(self, record: LinkRecord) -> None:
        """Have `find` answer for this link without reading segments again."""
        with self._lock:
            self._kept[record.outcome.url] = record

    def add(self, record: LinkRecord) -> None:
        """Append a record; it becomes durable soon. Losing one costs one request for its link."""
        url = record.outcome.url
        if not is_recorded(url):
            return
        added = self._log.add(to_row(record, datetime.now(UTC)))
        with self._lock:
            if url in self._kept:
                self._kept[url] = record
            self._adding.append(added)
            if len(self._adding) >= MANY:
                self._adding = [one for one in self._adding if not one.done() or one.exception()]

    def flush(self) -> None:
        """Wait until what was added is durable; raises what the store raised."""
        with self._lock:
            adding, self._adding = self._adding, []
        for one in adding:
            one.result()

    def _load(self) -> None:
        with self._loading:
            if not self._loaded:
                self._log.refresh()
                self._loaded = True

    def close(self) -> None:
        """Commit what waits and merge small segments; can be used on."""
        self._log.close()
        try:
            self.flush()
        except Exception as error:  # noqa: BLE001 - the pictures are saved; only time is lost
            log.warning(
                "Some links will be fetched again because their records are lost: %s", error
            )


def remove_records(store: Store, is_gone: IsGone, *, dry_run: bool = False) -> int:
    """Remove the records that `is_gone` marks; how many there were. `dry_run` only counts them.

    No run may use the store at the same time.
    """
    records = SegmentLog(store, PREFIX, SCHEMA, key="url", time="recorded")
    return records.remove_where(is_gone, dry_run=dry_run)
