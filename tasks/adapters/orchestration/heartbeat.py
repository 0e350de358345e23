"""Heartbeats in the store: a small object that changes while a process works.

A caller that waits on another machine sees by it whether the process is alive.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

from image_tags.tasks.adapters.store.store import NotInStore, Store
from image_tags.tasks.contracts.errors import StopRun

log = logging.getLogger(__name__)


@contextmanager
def send_heartbeats(store: Store, key: str, every: float) -> Iterator[None]:
    """Rewrite the object every so many seconds while the block runs, and remove it at the end."""
    over = threading.Event()

    def write_until_over() -> None:
        for beats in count():
            _write_beat(store, key, beats)
            if over.wait(every):
                return

    thread = threading.Thread(target=write_until_over, name=f"heartbeat {key}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        store.delete(key)


def read_heartbeat(store: Store, key: str) -> bytes:
    """The latest heartbeat, which differs from the one before; empty if there is none."""
    try:
        return store.read(key)
    except NotInStore:
        return b""


def _write_beat(store: Store, key: str, beats: int) -> None:
    try:
        store.write(key, str(beats).encode(), "text/plain", durable=False)
    except StopRun as error:  # the work itself meets the same store and reports it
        log.warning("A heartbeat could not be written: %s", error)
