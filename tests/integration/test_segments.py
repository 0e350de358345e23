"""A log of segments on a folder and on a real S3 server, shared by several processes."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pytest

from image_tags.tasks.adapters.segments import SegmentLog, parquet_segments
from image_tags.tasks.adapters.store.opening import open_store
from image_tags.tasks.contracts.settings import StoreSettings
from tests.support.forked import Forked

SCHEMA = pa.schema({"id": pa.string(), "time": pa.float64(), "text": pa.string()})


def log_in(store):
    return SegmentLog(store, "links", SCHEMA, key="id", time="time", interval=0.01)


def entry(key):
    return {"id": key, "time": 1.0, "text": f"text {key}"}


def write_for_ever(say, address):
    """In a process of its own: says which entries are durable."""
    log = log_in(open_store(StoreSettings(store=address)))
    for n in range(10_000):
        log.add(entry(f"{n}")).result()
        say(f"{n}")
        if n % 7 == 0:
            log.merge()


def texts(log):
    found = [row for table in log.read(["text"]) for row in table.to_pylist()]
    assert len({row["id"] for row in found}) == len(found), "a key was given twice"
    return {row["id"]: row["text"] for row in found}


@pytest.mark.parametrize("whole", [0, 10**9])
def test_entries_are_found_by_every_process_merged_or_not(store, monkeypatch, whole):
    monkeypatch.setattr(parquet_segments, "WHOLE", whole)
    log, other = log_in(store), log_in(store)
    for n in range(5):
        log.add(entry(f"{n}")).result(60)
    other.refresh()
    expected = {f"{n}": f"text {n}" for n in range(5)}
    assert texts(other) == expected
    log.close()
    assert len(list(store.keys("links/"))) == 1
    assert list(store.keys("claims/")) == []
    assert texts(other) == expected, "what it knows was merged away"


def test_readers_writers_and_mergers_at_the_same_time_lose_and_double_nothing(store):
    over = threading.Event()

    def write(who):
        log = log_in(store)
        for n in range(25):
            log.add(entry(f"{who}-{n}")).result(60)
            log.refresh()
            assert {f"{who}-{m}" for m in range(n + 1)} <= set(log.find_times())
        log.close()

    def merge():
        log = log_in(store)
        while not over.is_set():
            log.merge()

    def read():
        log, seen = log_in(store), 0
        while not over.is_set():
            log.refresh()
            found = texts(log)
            assert len(found) >= seen
            seen = len(found)

    with ThreadPoolExecutor(5) as pool:
        others = [pool.submit(merge), pool.submit(merge), pool.submit(read)]
        try:
            for writer in [pool.submit(write, "a"), pool.submit(write, "b")]:
                writer.result()
        finally:
            over.set()
        for other in others:
            other.result()
    log = log_in(store)
    log.refresh()
    assert len(texts(log)) == 50


def test_what_was_reported_durable_outlives_a_kill(store):
    """Killed in the middle of writing and merging, three times; then another process merges."""
    said = set()
    for _ in range(3):
        with Forked(write_for_ever, store.address) as writer:
            said |= {writer.hear() for _ in range(20)}
    log = log_in(store)
    log.refresh()
    found = texts(log)
    assert said <= set(found)
    assert all(text == f"text {key}" for key, text in found.items())
    log.add(entry("last")).result()
    log.close()
    again = log_in(open_store(StoreSettings(store=store.address)))
    again.refresh()
    assert set(texts(again)) == {*found, "last"}
    assert list(store.keys("claims/")) == [], "the claims of killed processes are removed"
