import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from image_tags.tasks.adapters.ledger.ledger import Ledger, Settled, fingerprint
from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.adapters.store.store import JSON
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
def ledger(store):
    return Ledger(store, "detect_labels", SETTINGS)


def nobody() -> Answer:
    raise AssertionError("the analyzer was asked")


def test_a_response_is_asked_for_once_and_kept_with_all_that_is_known_of_it(ledger, store):
    first = ledger.settle(picture(1), "run-1", lambda: Answer({"Labels": []}, "3.0", "re-encoded"))
    again = Ledger(store, "detect_labels", SETTINGS).settle(picture(1), "run-2", nobody)
    assert first.asked
    assert again == Settled(first.entry, asked=False)
    entry = again.entry
    assert (entry.response, entry.model_version, entry.remark, entry.run) == (
        {"Labels": []},
        "3.0",
        "re-encoded",
        "run-1",
    )
    assert (entry.analyzer, entry.settings, entry.operation) == (
        "rekognition",
        SETTINGS,
        "detect_labels",
    )
    assert entry.refusal is None
    ledger.close()
    assert list(store.keys("claims/")) == []


def test_a_refusal_is_kept_and_not_asked_for_again(ledger):
    def refuse() -> Answer:
        raise Rejected(Reason.REFUSED_BY_ANALYZER, "InvalidImageFormatException")

    first = ledger.settle(picture(1), "run", refuse)
    again = ledger.settle(picture(1), "run", nobody)
    assert first.asked
    assert again.entry.refusal.reason is Reason.REFUSED_BY_ANALYZER
    assert again.entry.refusal.detail == "InvalidImageFormatException"
    assert again.entry.response is None


@pytest.mark.parametrize(
    "error",
    [Transient(Reason.THROTTLED, "slow down"), StopRun("no credentials"), KeyboardInterrupt()],
)
def test_what_may_succeed_later_saves_nothing_and_leaves_the_way_free(ledger, error):
    def fail() -> Answer:
        raise error

    with pytest.raises(type(error)):
        ledger.settle(picture(1), "run", fail)
    assert ledger.read(picture(1).image_id) is None
    assert ledger.settle(picture(1), "other run", lambda: Answer({})).asked


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"{}", b"\xff", b"null"])
def test_a_damaged_entry_counts_as_absent_and_is_replaced(ledger, store, data, caplog):
    ledger.settle(picture(1), "run", lambda: Answer({"n": 1}))
    ledger.close()
    store.write(ledger.key(picture(1).image_id), data, JSON)
    assert ledger.read(picture(1).image_id) is None
    assert "counts as absent" in caplog.text
    assert ledger.settle(picture(1), "run", lambda: Answer({"n": 2})).asked
    assert ledger.read(picture(1).image_id).response == {"n": 2}


def test_a_damaged_entry_that_was_read_is_set_aside_so_that_the_next_plan_asks_again(ledger, store):
    ledger.settle(picture(1), "run", lambda: Answer({}))
    ledger.close()
    key = ledger.key(picture(1).image_id)
    store.write(key, b"{", JSON)
    assert list(ledger.read_many([picture(1).image_id])) == []
    assert ledger.have([picture(1).image_id]) == set()
    assert store.read(f"{key}.damaged") == b"{"


def test_an_answer_that_replaces_a_damaged_entry_is_not_removed_with_it(ledger, store, monkeypatch):
    ledger.settle(picture(1), "run", lambda: Answer({}))
    ledger.close()
    key = ledger.key(picture(1).image_id)
    store.write(key, b"{", JSON)
    other = Ledger(FolderStore(store.address), "detect_labels", SETTINGS)
    asked = []
    mending = threading.Thread(
        target=lambda: asked.append(
            other.settle(picture(1), "other", lambda: Answer({"n": 2})).asked
        )
    )
    look = store.read_tagged

    def look_and_be_overtaken(of):
        found = look(of)
        mending.start()
        mending.join(1)  # without a claim in its way it is through by then
        return found

    monkeypatch.setattr(store, "read_tagged", look_and_be_overtaken)
    assert ledger.read(picture(1).image_id) is None
    mending.join()
    assert asked == [True]
    assert ledger.read(picture(1).image_id).response == {"n": 2}


def test_an_entry_under_another_images_key_counts_as_absent(ledger, store):
    entry = ledger.settle(picture(1), "run", lambda: Answer({})).entry
    store.write(ledger.key(picture(2).image_id), entry.dump(), JSON)
    assert ledger.read(picture(2).image_id) is None


def test_other_settings_are_another_ledger(ledger, store):
    ledger.settle(picture(1), "run", lambda: Answer({}))
    assert (
        Ledger(store, "detect_labels", SETTINGS | {"MaxLabels": 10}).read(picture(1).image_id)
        is None
    )
    assert Ledger(store, "detect_text", SETTINGS).read(picture(1).image_id) is None


def test_the_fingerprint_does_not_depend_on_the_order_of_settings():
    assert (
        fingerprint({"a": 1, "b": 2})
        == fingerprint({"b": 2, "a": 1})
        != fingerprint({"a": 1, "b": 3})
    )


def test_a_free_analyzer_claims_nothing(store):
    ledger = Ledger(store, "detect_labels", SETTINGS, paid=False)
    seen = []
    ledger.settle(picture(1), "run", lambda: seen.extend(store.keys("claims/")) or Answer({}))
    assert ledger.have([picture(1).image_id])
    assert seen == []


class TestHave:
    class Counting(FolderStore):
        def __init__(self, address):
            super().__init__(address)
            self.listed: list[str] = []
            self.asked: list[str] = []

        def keys(self, prefix):
            for key in super().keys(prefix):
                self.listed.append(key)
                yield key

        def exists(self, key):
            self.asked.append(key)
            return super().exists(key)

    @pytest.fixture
    def store(self, tmp_path):
        return self.Counting(str(tmp_path))

    def fill(self, ledger, store, image_ids):
        for image_id in image_ids:
            store.write(ledger.key(image_id), b"{}", JSON)

    def shard(self, first, n):
        return [f"{first:02x}{i:062x}" for i in range(n)]

    def test_many_of_a_shard_are_found_by_listing_it(self, ledger, store):
        ids = self.shard(0, 40) + self.shard(1, 40)
        self.fill(ledger, store, ids[::2])
        assert ledger.have(ids) == set(ids[::2])
        assert store.asked == []

    def test_few_of_a_large_shard_are_asked_about_one_by_one(self, ledger, store):
        ids = self.shard(0, 100)
        self.fill(ledger, store, ids)
        assert ledger.have([ids[3], "00" + "f" * 62]) == {ids[3]}
        assert store.listed == []

    def test_listing_stops_at_the_last_image_asked_about(self, ledger, store):
        ids = self.shard(0, 100)
        self.fill(ledger, store, ids)
        assert ledger.have(ids[:10]) == set(ids[:10])
        assert len(store.listed) == 10

    def test_listing_a_huge_shard_gives_way_to_asking(self, ledger, store, monkeypatch):
        monkeypatch.setattr("image_tags.tasks.adapters.ledger.ledger.PAGE", 2)
        ids = self.shard(0, 100)
        self.fill(ledger, store, ids)
        wanted = [*ids[::25], "00" + "f" * 62]
        assert ledger.have(wanted) == set(ids[::25])
        assert len(store.listed) == 2 * len(wanted)
        assert len(store.asked) == 4

    def test_of_nothing_there_is_nothing(self, ledger):
        assert ledger.have([]) == set()


class TestReadMany:
    def test_gives_what_is_there_in_the_order_asked(self, ledger):
        for n in range(150):
            if n % 3:
                ledger.settle(picture(n), "run", lambda n=n: Answer({"n": n}))
        order = [n * 7 % 150 for n in range(150)]
        found = [
            entry.response["n"] for entry in ledger.read_many(picture(n).image_id for n in order)
        ]
        assert found == [n for n in order if n % 3]

    def test_reads_only_a_little_ahead(self, ledger):
        for n in range(3):
            ledger.settle(picture(n), "run", lambda: Answer({}))
        taken = []

        def ids():
            for n in range(10_000):
                taken.append(n)
                yield picture(n % 3).image_id

        entries = ledger.read_many(ids())
        next(entries)
        entries.close()
        assert len(taken) < 200


def test_an_answer_that_is_too_old_is_asked_for_again_and_replaced(store, ledger):
    first = ledger.settle(picture(1), "run-1", lambda: Answer({"n": 1})).entry
    since = first.moment + timedelta(seconds=1)
    later = Ledger(store, "detect_labels", SETTINGS, since=since)
    assert later.have([picture(1).image_id]) == set()
    assert list(later.read_many([picture(1).image_id])) == []
    assert Ledger(store, "detect_labels", SETTINGS, since=first.moment).have(
        [picture(1).image_id]
    ) == {picture(1).image_id}

    old = replace(first, time=(first.moment - timedelta(days=9)).isoformat())
    store.write(ledger.key(picture(1).image_id), old.dump(), JSON)
    again = Ledger(store, "detect_labels", SETTINGS, since=first.moment)
    assert again.settle(picture(1), "run-2", lambda: Answer({"n": 2})).asked
    assert not again.settle(picture(1), "run-2", nobody).asked, (
        "asked for in this run, so young enough"
    )
    assert ledger.read(picture(1).image_id).response == {"n": 2}
