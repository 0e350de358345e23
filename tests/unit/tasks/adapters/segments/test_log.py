import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_tags.tasks.adapters.segments import SegmentLog, merging, parquet_segments
from image_tags.tasks.adapters.segments import log as log_module
from image_tags.tasks.adapters.segments.names import parse_name
from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.adapters.store.store import PARQUET
from image_tags.tasks.contracts.errors import StopRun

SCHEMA = pa.schema({"id": pa.string(), "time": pa.float64(), "text": pa.string()})


class Counting(FolderStore):
    """Counts the requests by kind."""

    def __init__(self, address):
        super().__init__(address)
        self.requests = []

    def __getattribute__(self, name):
        if name in ("read", "write", "list_sizes", "read_range", "delete_all", "delete"):
            self.requests.append(name)
        return super().__getattribute__(name)


@pytest.fixture
def store(tmp_path):
    return Counting(str(tmp_path / "store"))


@pytest.fixture
def open_log(store):
    def open_one(interval=None, schema=SCHEMA):
        return SegmentLog(store, "links", schema, key="id", time="time", interval=interval)

    return open_one


def entry(key, time, text=""):
    return {"id": key, "time": float(time), "text": text}


def texts(log, keys=None):
    found = [row for table in log.read(["text"], keys) for row in table.to_pylist()]
    assert len({row["id"] for row in found}) == len(found), "a key was given twice"
    return {row["id"]: row["text"] for row in found}


def segments(store):
    return list(store.keys("links/"))


def test_the_newest_entry_of_each_key_counts_wherever_it_is(open_log):
    log = open_log()
    for key, time, text in [("a", 2, "new"), ("a", 1, "old"), ("b", 1, "old"), ("b", 2, "new")]:
        log.add(entry(key, time, text)).result()
    for reader in (log, open_log()):
        reader.refresh()
        assert texts(reader) == {"a": "new", "b": "new"}
        assert texts(reader, ["b", "missing"]) == {"b": "new"}
        assert reader.find_times() == {"a": 2.0, "b": 2.0}
        assert reader.find_times(["a", "missing"]) == {"a": 2.0}
        assert texts(reader, []) == {}


def test_of_nothing_there_is_nothing(open_log):
    log = open_log()
    log.refresh()
    assert texts(log) == {}
    assert log.find_times(["a"]) == {}
    log.close()


def test_each_segment_is_read_once_and_what_was_written_here_never(open_log, store):
    mine, other = open_log(), open_log()
    mine.add(entry("a", 1)).result()
    other.refresh()
    store.requests.clear()
    mine.refresh()
    other.refresh()
    assert store.requests == ["list_sizes", "list_sizes"]
    mine.add(entry("b", 1)).result()
    store.requests.clear()
    other.refresh()
    assert store.requests == ["list_sizes", "read"]
    assert set(other.find_times()) == {"a", "b"}


def test_an_entry_counts_where_it_was_written_as_soon_as_it_is_durable(open_log):
    log = open_log(interval=0.0)
    log.add(entry("a", 1)).result(60)
    assert log.find_times() == {"a": 1.0}
    log.close()


def test_a_segment_that_a_listing_under_way_does_not_show_is_not_forgotten(
    open_log, store, monkeypatch
):
    log = open_log()
    log.add(entry("a", 1)).result()
    look = store.list_sizes

    def list_and_be_overtaken(prefix):
        found = look(prefix)
        log.add(entry("b", 1)).result()
        return found

    monkeypatch.setattr(store, "list_sizes", list_and_be_overtaken)
    log.refresh()
    assert set(log.find_times()) == {"a", "b"}


def test_what_the_store_cannot_keep_raises_for_whoever_waits(open_log, store, monkeypatch):
    log = open_log(interval=0.0)
    monkeypatch.setattr(store, "write", lambda *_, **__: (_ for _ in ()).throw(StopRun("away")))
    with pytest.raises(StopRun, match="away"):
        log.add(entry("a", 1)).result(60)
    assert log.find_times() == {}
    log.close()


def test_a_column_that_older_segments_lack_is_null(open_log):
    open_log(schema=SCHEMA.remove(2)).add({"id": "a", "time": 1.0}).result()
    open_log().add(entry("b", 1, "text")).result()
    log = open_log()
    log.refresh()
    assert texts(log) == {"a": None, "b": "text"}
    with pytest.raises(ValueError, match="not a column"):
        next(log.read(["wrong"]))
    log.merge()
    log.refresh()
    assert texts(log) == {"a": None, "b": "text"}


@pytest.mark.parametrize("whole", [True, False])
def test_large_segments_are_read_by_column_and_row_group(open_log, store, monkeypatch, whole):
    monkeypatch.setattr(parquet_segments, "WHOLE", 10**9 if whole else 0)
    monkeypatch.setattr(parquet_segments, "ROW_GROUP", 3)
    log = open_log()
    for n in range(20):
        log.add(entry(f"{n:02}", n, f"text {n}")).result()
    log.merge()
    reader = open_log()
    store.requests.clear()
    reader.refresh()
    assert ("read_range" in store.requests) is not whole
    assert texts(reader) == {f"{n:02}": f"text {n}" for n in range(20)}
    some = ["03", "11", "12", "19"]
    assert texts(reader, some) == {key: f"text {int(key)}" for key in some}


class TestDamage:
    @pytest.mark.parametrize("whole", [True, False])
    @pytest.mark.parametrize("damage", [b"", b"PAR1", b"x" * 5000, "half", "flipped"])
    def test_costs_its_own_entries_and_is_set_aside(
        self, open_log, store, damage, caplog, monkeypatch, whole
    ):
        monkeypatch.setattr(parquet_segments, "WHOLE", 10**9 if whole else 0)
        log = open_log()
        log.add(entry("a", 1, "good")).result()
        log.add(entry("b", 1, "older")).result()
        log.add(entry("b", 2, "damaged " + "b" * 9)).result()
        key = segments(store)[-1]
        data = store.read(key)
        if damage == "half":
            damage = data[: len(data) // 2]
        if damage == "flipped":
            at = data.index(b"damaged")
            damage = data[:at] + b"D" + data[at + 1 :]
        store.write(key, damage, PARQUET)
        reader = open_log()
        reader.refresh()
        assert texts(reader) == {"a": "good", "b": "older"}
        assert reader.find_times() == {"a": 1.0, "b": 1.0}
        assert "its entries count as absent" in caplog.text
        assert store.read(f"damaged/{key}") == damage
        assert key not in segments(store)

    def test_does_not_stop_merging(self, open_log, store):
        log = open_log()
        for n in range(4):
            log.add(entry(f"{n}", 1)).result()
        store.write(segments(store)[1], b"damaged", PARQUET)
        assert open_log().merge() == 3
        reader = open_log()
        reader.refresh()
        assert set(reader.find_times()) == {"0", "2", "3"}


class TestMerging:
    def test_the_number_of_segments_stays_logarithmic(self, open_log, store, monkeypatch):
        monkeypatch.setattr(merging, "FANOUT", 3)
        for n in range(30):
            log = open_log()
            log.add(entry(f"{n:03}", n, "first")).result()
            log.add(entry("000", n, f"at {n}")).result()
            log.close()
        levels = Counter(parse_name(Path(key).name).level for key in segments(store))
        assert set(levels) <= {1, 2, 3, 4}
        assert max(levels.values()) < merging.FANOUT
        reader = open_log()
        reader.refresh()
        found = texts(reader)
        assert len(found) == 30
        assert found["000"] == "at 29"

    def test_what_was_written_here_is_merged_and_read_without_being_read_back(
        self, open_log, store, monkeypatch
    ):
        log = open_log()
        for n in range(4):
            log.add(entry(f"{n}", n, f"text {n}")).result()
        store.requests.clear()
        assert len(texts(log)) == 4
        assert store.requests == []
        log.close()
        assert "read" not in store.requests
        assert len(texts(log)) == 4

    def test_large_segments_are_left_alone(self, open_log, store, monkeypatch):
        monkeypatch.setattr(merging, "LARGEST", 1)
        log = open_log()
        for n in range(20):
            log.add(entry(f"{n}", 1)).result()
        assert log.merge() == 0
        assert len(segments(store)) == 20

    def test_one_that_wrote_nothing_asks_the_store_nothing_at_its_end(self, open_log, store):
        log = open_log()
        log.refresh()
        store.requests.clear()
        log.close()
        assert store.requests == []

    def test_a_process_that_writes_for_long_merges_meanwhile(self, open_log, store, monkeypatch):
        monkeypatch.setattr(log_module, "MERGE_AFTER", 10)
        log = open_log()
        for n in range(40):
            log.add(entry(f"{n}", 1)).result()
            if thread := log._merging:
                thread.join()
        assert len(segments(store)) <= 10
        log.refresh()
        assert len(texts(log)) == 40
        log.close()

    def test_only_one_process_merges_at_a_time(self, open_log, store, monkeypatch):
        log, other = open_log(), open_log()
        for n in range(4):
            log.add(entry(f"{n}", 1)).result()
        write, replaced = store.write, []

        def write_while_another_tries(key, *args, **how):
            if key.startswith("links/"):
                replaced.append(other.merge())
            write(key, *args, **how)

        monkeypatch.setattr(store, "write", write_while_another_tries)
        assert log.merge() == 4
        assert replaced == [0]
        assert len(segments(store)) == 1
        assert list(store.keys("claims/")) == []

    def test_a_reader_that_is_overtaken_lists_again(self, open_log):
        log, reader = open_log(), open_log()
        for n in range(4):
            log.add(entry(f"{n}", n, f"text {n}")).result()
        reader.refresh()
        assert log.merge() == 4
        assert texts(reader) == {f"{n}": f"text {n}" for n in range(4)}


class Died(BaseException):
    """The process is gone."""


class Dying(FolderStore):
    """A store whose process dies at its n-th request: before it, or when it was done."""

    def __init__(self, address, n, before):
        super().__init__(address)
        self.left = n
        self.before = before

    def _request(self, name, *args, **how):
        if self.left <= 0 and self.before:
            raise Died
        if self.left < 0:
            raise Died
        self.left -= 1
        done = getattr(super(), name)(*args, **how)
        if self.left < 0:
            raise Died
        return done

    def read(self, *args):
        return self._request("read", *args)

    def write(self, *args, **how):
        return self._request("write", *args, **how)

    def list_sizes(self, *args):
        return self._request("list_sizes", *args)

    def delete(self, *args):
        return self._request("delete", *args)

    def delete_all(self, keys):
        for key in keys:  # a server may be killed between two of them as well
            self._request("delete", key)


@pytest.mark.parametrize("before", [True, False])
def test_merging_killed_at_every_step_loses_and_doubles_nothing(tmp_path, before):
    expected = {f"{n}": f"newest {n}" for n in range(4)}
    steps = 0
    while True:
        address = str(tmp_path / f"{steps}")
        store = FolderStore(address)
        log = SegmentLog(store, "links", SCHEMA, key="id", time="time", interval=None)
        for n in range(4):
            log.add(entry(f"{n}", 1, "old")).result()
            log.add(entry(f"{n}", 2, f"newest {n}")).result()
        dying = Dying(address, steps, before)
        mine = SegmentLog(dying, "links", SCHEMA, key="id", time="time", interval=None)
        try:
            mine.merge()
            is_over = True
        except Died:
            is_over = False
        for time in (3, 4):
            reader = SegmentLog(store, "links", SCHEMA, key="id", time="time", interval=None)
            reader.refresh()
            assert texts(reader) == expected
            # Another process merges: the claim of a dead one is not in its way.
            store.delete_all(list(store.keys("claims/")))
            log.add(entry("0", time, "newest 0")).result()
            log.add(entry("1", time, "newest 1")).result()
            log.merge()
        rows = [row for key in segments(store) for row in rows_in(store, key)]
        assert len({(row["id"], row["time"]) for row in rows}) == len(rows), "doubled"
        if is_over:
            assert steps > 10
            return
        steps += 1


def rows_in(store, key):
    return parquet_segments.decode_segment(store.read(key), SCHEMA.names, SCHEMA).to_pylist()


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("add"), st.integers(0, 2), st.integers(0, 4)),
            st.tuples(st.sampled_from(["refresh", "merge", "reopen"]), st.integers(0, 2)),
        ),
        max_size=40,
    )
)
def test_whatever_is_added_and_merged_each_log_finds_the_newest_entries(tmp_path_factory, moves):
    store = FolderStore(str(tmp_path_factory.mktemp("store")))

    def open_one():
        return SegmentLog(store, "links", SCHEMA, key="id", time="time", interval=None)

    logs, expected = [open_one() for _ in range(3)], {}
    for time, (move, who, *key) in enumerate(moves):
        if move == "add":
            logs[who].add(entry(f"{key[0]}", time, f"{time}")).result()
            expected[f"{key[0]}"] = f"{time}"
        elif move == "reopen":
            logs[who] = open_one()
        else:
            getattr(logs[who], move)()
    for log in logs:
        log.refresh()
        assert texts(log) == expected


def test_readers_writers_and_mergers_at_the_same_time_lose_and_double_nothing(tmp_path):
    store = FolderStore(str(tmp_path))
    over = threading.Event()

    def open_one():
        return SegmentLog(store, "links", SCHEMA, key="id", time="time", interval=None)

    def write(who):
        log = open_one()
        for n in range(60):
            log.add(entry(f"{who}-{n}", n, f"{who}-{n}")).result()
            log.refresh()
            known = log.find_times()
            assert {f"{who}-{m}" for m in range(n + 1)} <= set(known), "lost from sight"

    def merge():
        log = open_one()
        while not over.is_set():
            log.merge()

    def read():
        log, seen = open_one(), 0
        while not over.is_set():
            log.refresh()
            found = texts(log)
            assert all(key == text for key, text in found.items())
            assert len(found) >= seen
            seen = len(found)

    with ThreadPoolExecutor(6) as pool:
        others = [pool.submit(merge), pool.submit(merge), pool.submit(read), pool.submit(read)]
        try:
            for writer in [pool.submit(write, "a"), pool.submit(write, "b")]:
                writer.result()
        finally:
            over.set()
        for other in others:
            other.result()
    log = open_one()
    log.refresh()
    assert len(texts(log)) == 120
