"""One run at a time on a store, whichever deployment or command line started it.

Runs that overlap lose nothing: claims keep them from paying twice, and the pointer keeps readers
safe. But only one of them can publish, so the other one works for nothing. A limit of Prefect's
would hold per server and deployment, and not for `image-tags run`; the store is what they share.

The lock is an object in the store that its holder rewrites every few seconds. It is free if its
holder was a process of this machine that has ended, or if it has not changed for LEASE seconds of
the watcher's own clock. Two runs that take over a dead holder's lock in the same moment may both
get it on an S3 server whose If-Match is not exact; they are then as safe as without a lock.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from image_tags.tasks.adapters.store import owner
from image_tags.tasks.adapters.store.store import JSON, Store
from image_tags.tasks.contracts.errors import StopRun, StoreBusy
from image_tags.tasks.contracts.records import JsonObject

KEY = "claims/run"
"""Below `claims/`, so that no policy needs another prefix."""

LEASE, BEAT, POLL = 60.0, 10.0, 1.0
"""Seconds without a change after which a lock is free, between two changes, between two looks."""

log = logging.getLogger(__name__)


@contextmanager
def hold_store(
    store: Store,
    run: str,
    patience: float,
    announce: Callable[[str], None],
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[None]:
    """Keep other runs off the store while the block runs; wait first for the one that works there.

    Args:
        store: to be kept.
        run: the run's name; a retry takes its own lock over.
        patience: seconds to wait for another run.
        announce: shows a sentence, if there is something to wait for.
        clock: monotonic, in seconds.
        sleep: pauses between two looks.

    Raises:
        StoreBusy: the other run is still at work after that.

    """
    _wait_for_lock(store, run, patience, announce, clock, sleep)
    over = threading.Event()
    beat = threading.Thread(
        target=_keep_alive, args=(store, run, over), name="store lock", daemon=True
    )
    beat.start()
    try:
        yield
    finally:
        over.set()
        beat.join()
        _give_back(store, run)


def _wait_for_lock(
    store: Store,
    run: str,
    patience: float,
    announce: Callable[[str], None],
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> None:
    started = clock()
    seen: tuple[bytes, float] = (b"", started)
    announced = ""
    while True:
        found = store.read_tagged(KEY)
        content, token = found or (b"", None)
        if content != seen[0]:
            seen = content, clock()
        holder = _read_holder(content)
        stale = bool(content) and clock() - seen[1] >= LEASE
        if not holder or holder["run"] == run or stale or owner.alive(holder["owner"]) is False:
            now = datetime.now(UTC).isoformat(timespec="seconds")
            if store.swap(KEY, _as_bytes(run, now, 0), JSON, token):
                return
            continue
        since = holder["since"]
        at_work = f"the run {holder['run']}, which has been working on this store since {since}"
        if clock() - started >= patience:
            raise StoreBusy(
                f"Nothing was done: {at_work}, did not end within {patience:.0f} s. Run again "
                "when it has ended, or give --store-wait more seconds."
            )
        if announced != holder["run"]:
            announce(f"Waiting for {at_work}.")
            announced = holder["run"]
        sleep(POLL)


def _keep_alive(store: Store, run: str, over: threading.Event) -> None:
    beats = 0
    while not over.wait(BEAT):
        beats += 1
        try:
            found = store.read_tagged(KEY)
            holder = _read_holder(found[0]) if found else None
            if not found or not holder or holder["run"] != run:
                log.warning(
                    "Another run took over the store's lock: this process was suspended for too "
                    "long."
                )
                return
            store.swap(KEY, _as_bytes(run, holder["since"], beats), JSON, found[1])
        except StopRun as error:  # the work itself meets the same store and reports it
            log.debug("The store's lock could not be renewed: %s", error)


def _give_back(store: Store, run: str) -> None:
    try:
        found = store.read_tagged(KEY)
        holder = _read_holder(found[0]) if found else None
        if holder and holder["run"] == run:
            store.delete(KEY)
    except StopRun as error:  # it is free once this process ends or it has not changed for a while
        owner.keep_file()
        log.debug("The store's lock could not be released: %s", error)


def _as_bytes(run: str, since: str, beats: int) -> bytes:
    content = {"run": run, "owner": owner.name(), "since": since, "beats": beats}
    return json.dumps(content).encode()


def _read_holder(content: bytes) -> JsonObject | None:
    """Who holds the lock; None for what is no lock, which is as good as none."""
    try:
        holder = json.loads(content)
        return {name: str(holder[name]) for name in ("run", "owner", "since")}
    except (ValueError, KeyError, TypeError):
        return None
