import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from image_tags.tasks.adapters.ledger import ledger as ledger_module
from image_tags.tasks.adapters.ledger.entry import SCHEMA
from image_tags.tasks.adapters.ledger.ledger import AskAgain, Ledger, fingerprint
from image_tags.tasks.adapters.ledger.partitions import (
    PARTITIONS,
    group_by_partition,
    partition_of,
)
from image_tags.tasks.adapters.segments.parquet_segments import (
    decode_segment,
    encode_segment,
    read_metadata,
)
from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.adapters.store.store import PARQUET
from image_tags.tasks.contracts.errors import Rejected, StopRun, Transient
from image_tags.tasks.contracts.reasons import Reason
from image_tags.tasks.contracts.records import Answer, Picture

SETTINGS = {"analyzer": "rekognition", "MaxLabels": 50}


def picture(n: int) -> Picture:
    image_id = f"{n:064x}"[::-1]
    return Picture(image_id, f"images/{image_id[:2]}/{image_id}.jpg", 1000, 100, 100)


@pytest.fixture
def store(tmp_path):
    return FolderStore(str(tmp_path / "store"))


@pytest.fixture
def open_ledger(store):
    def open_one(operation="detect_labels", settings=SETTINGS, **given):
        return Ledger(store, operation, settings, interval=0.0, **given)

    return open_one


@pytest.fixture
def ledger(open_ledger):
    return open_ledger()


def nobody() -> Answer:
    raise AssertionError("the analyzer was asked")


def test_a_response_is_asked_for_once_and_kept_with_all_that_is_known_of_it(
    ledger, open_ledger, store
):
    assert ledger.settle(picture(1), "run-1", lambda: Answer({"Labels": []}, "3.0", "re-encoded"))
    again = open_ledger()
    assert not again.settle(picture(1), "run-2", nobody)
    assert not ledger.settle(picture(1), "run-2", nobody)
    entry = again.read_entry(picture(1).image_id)
    assert (entry.response, entry.model_version, entry.remark, entry.run) == (
        {"Labels": []},
        "3.0",
        "re-encoded",
        "run-1",
    )
    assert entry.refusal is None
    (segment,) = store.keys("responses/")
    assert read_metadata(store.read(segment)) == {
        "operation": "detect_labels",
        "settings": SETTINGS,
    }
    ledger.close()
    assert list(store.keys("claims/")) == []


def test_a_refusal_is_kept_and_not_asked_for_again(ledger):
    def refuse() -> Answer:
        raise Rejected(Reason.REFUSED_BY_ANALYZER, "InvalidImageFormatException")

    assert ledger.settle(picture(1), "run", refuse)
    assert not ledger.settle(picture(1), "run", nobody)
    entry = ledger.read_entry(picture(1).image_id)
    assert entry.refusal.reason is Reason.REFUSED_BY_ANALYZER
    assert entry.refusal.detail == "InvalidImageFormatException"
    assert entry.response is None


@pytest.mark.parametrize(
    "error",
    [Transient(Reason.THROTTLED, "slow down"), StopRun("no credentials"), KeyboardInterrupt()],
)
def test_what_may_succeed_later_saves_nothing_and_leaves_the_way_free(ledger, open_ledger, error):
    def fail() -> Answer:
        raise error

    with pytest.raises(type(error)):
        ledger.settle(picture(1), "run", fail)
    assert ledger.read_entry(picture(1).image_id) is None
    assert open_ledger().settle(picture(1), "other run", lambda: Answer({}))
    assert not ledger.settle(picture(1), "run", nobody)


def test_the_claim_is_held_until_the_answer_is_durable(ledger, store, monkeypatch):
    write, seen = store.write, []

    def look_at_claims(key, *args, **how):
        if key.startswith("responses/"):
            seen.extend(store.keys("claims/"))
        write(key, *args, **how)

    monkeypatch.setattr(store, "write", look_at_claims)
    ledger.settle(picture(1), "run", lambda: Answer({}))
    assert len(seen) == 1
    assert list(store.keys("claims/")) == []


def test_an_answer_that_cannot_be_saved_is_no_answer(ledger, store, monkeypatch):
    write = store.write

    def fail(key, *args, **how):
        if key.startswith("responses/"):
            raise StopRun("away")
        write(key, *args, **how)

    with monkeypatch.context() as outage:
        outage.setattr(store, "write", fail)
        with pytest.raises(StopRun, match="away"):
            ledger.settle(picture(1), "run", lambda: Answer({}))
    assert ledger.find_answered([picture(1).image_id]) == set()
    assert list(store.keys("claims/")) == []


def test_threads_that_want_the_same_image_share_one_call(ledger):
    asking, go_on = threading.Event(), threading.Event()

    def ask():
        asking.set()
        assert go_on.wait(60)
        return Answer({})

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(ledger.settle, picture(1), "run", ask)
        assert asking.wait(60)
        hold = ledger.acquire(partition_of(picture(1).image_id), "run")
        second = ledger.start(hold, picture(1), "run", nobody)
        assert not second.done()
        go_on.set()
        assert first.result(60)
        assert second.result(60) is False
        ledger.release(hold)


def test_a_call_that_fails_elsewhere_is_made_again_here(ledger):
    asking, go_on = threading.Event(), threading.Event()

    def fail():
        asking.set()
        assert go_on.wait(60)
        raise Transient(Reason.THROTTLED, "slow down")

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(ledger.settle, picture(1), "run", fail)
        assert asking.wait(60)
        hold = ledger.acquire(partition_of(picture(1).image_id), "run")
        second = ledger.start(hold, picture(1), "run", nobody)
        go_on.set()
        with pytest.raises(Transient):
            first.result(60)
        with pytest.raises(AskAgain):
            second.result(60)
        ledger.release(hold)
    assert ledger.settle(picture(1), "run", lambda: Answer({}))


def test_a_damaged_segment_counts_as_absent_and_its_images_are_asked_again(
    ledger, open_ledger, store, caplog
):
    ledger.settle(picture(1), "run", lambda: Answer({"n": 1}))
    (segment,) = store.keys("responses/")
    store.write(segment, b"{", PARQUET)
    later = open_ledger()
    assert later.find_answered([picture(1).image_id]) == set()
    assert "its entries count as absent" in caplog.text
    assert later.settle(picture(1), "run", lambda: Answer({"n": 2}))
    assert open_ledger().read_entry(picture(1).image_id).response == {"n": 2}
    assert store.read(f"damaged/{segment}") == b"{"


@pytest.mark.parametrize("response", ["{", "[]", "null", None])
def test_an_entry_that_says_nothing_counts_as_absent(ledger, open_ledger, store, response, caplog):
    ledger.settle(picture(1), "run", lambda: Answer({}))
    (segment,) = store.keys("responses/")
    rows = decode_segment(store.read(segment), SCHEMA.names, SCHEMA).to_pylist()
    table = pa.Table.from_pylist([{**rows[0], "response": response}], schema=SCHEMA)
    store.write(segment, encode_segment(table, {}), PARQUET)
    assert list(open_ledger().read_entries([picture(1).image_id])) == []
    assert "cannot be read" in caplog.text


def test_other_settings_are_another_ledger(ledger, open_ledger):
    ledger.settle(picture(1), "run", lambda: Answer({}))
    other = open_ledger(settings=SETTINGS | {"MaxLabels": 10})
    assert other.read_entry(picture(1).image_id) is None
    assert open_ledger("detect_text").read_entry(picture(1).image_id) is None


def test_the_fingerprint_does_not_depend_on_the_order_of_settings():
    assert (
        fingerprint({"a": 1, "b": 2})
        == fingerprint({"b": 2, "a": 1})
        != fingerprint({"a": 1, "b": 3})
    )


def test_a_free_analyzer_claims_nothing(open_ledger, store):
    ledger = open_ledger(paid=False)
    seen = []
    ledger.settle(picture(1), "run", lambda: seen.extend(store.keys("claims/")) or Answer({}))
    assert ledger.find_answered([picture(1).image_id])
    assert not open_ledger(paid=False).settle(picture(1), "run", nobody)
    assert seen == []


def test_of_nothing_there_is_nothing(ledger):
    assert ledger.find_answered([]) == set()
    assert list(ledger.read_entries([])) == []


def test_answers_are_read_by_column_for_the_images_wanted(ledger, open_ledger):
    for n in range(9):
        ledger.settle(picture(n), "run", lambda n=n: Answer({"n": n}))
    reader = open_ledger()
    wanted = [picture(n).image_id for n in (3, 5, 99)]
    rows = [row for table in reader.read_answers(wanted, ["response"]) for row in table.to_pylist()]
    assert sorted(json.loads(row["response"])["n"] for row in rows) == [3, 5]
    assert {row["image_id"] for row in rows} == set(wanted[:2])
    assert sum(table.num_rows for table in reader.read_answers(None, ["run"])) == 9


def test_an_answer_that_is_too_old_is_asked_for_again_and_replaced(ledger, open_ledger):
    ledger.settle(picture(1), "run-1", lambda: Answer({"n": 1}))
    first = ledger.read_entry(picture(1).image_id)
    ids = [picture(1).image_id]
    later = open_ledger(since=first.answered + timedelta(microseconds=1))
    assert later.find_answered(ids) == set()
    assert list(later.read_entries(ids)) == []
    assert open_ledger(since=first.answered).find_answered(ids) == set(ids)
    assert later.settle(picture(1), "run-2", lambda: Answer({"n": 2}))
    assert not later.settle(picture(1), "run-2", nobody), "asked for in this run, so young enough"
    assert [entry.response for entry in later.read_entries(ids)] == [{"n": 2}]
    assert [entry.response for entry in ledger.read_entries(ids)] == [{"n": 2}]


def test_an_answer_counts_although_the_clock_was_set_back(open_ledger, monkeypatch):
    since = datetime.now(UTC)

    class SetBack(datetime):
        @classmethod
        def now(cls, tz=None):
            return since - timedelta(days=1)

    monkeypatch.setattr(ledger_module, "datetime", SetBack)
    ledger = open_ledger(since=since)
    assert ledger.settle(picture(1), "run", lambda: Answer({"n": 1}))
    again = open_ledger(since=since)
    assert not again.settle(picture(1), "run", nobody)
    assert [entry.response for entry in again.read_entries([picture(1).image_id])] == [{"n": 1}]


def test_partitions_are_equal_shares_in_order():
    ids = [f"{n:04x}" + "0" * 60 for n in range(0x10000)]
    groups = group_by_partition([Picture(one, "", 1, 1, 1) for one in reversed(ids)])
    assert list(groups) == [f"{n:02}" for n in range(PARTITIONS)]
    assert {len(group) for group in groups.values()} == {0x10000 // PARTITIONS}
    assert [partition_of(one) for one in ids] == sorted(partition_of(one) for one in ids)
