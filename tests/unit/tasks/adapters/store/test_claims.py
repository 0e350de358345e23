"""Claims on parts of a store, by two processes that a test plays."""

import itertools
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_tags.tasks.adapters.store.claims import BEAT, LEASE, Claims
from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.adapters.store.store import JSON
from image_tags.tasks.contracts.errors import StopRun
from tests.support.schedule import Stepped, Worker


@pytest.fixture
def store(tmp_path):
    return FolderStore(str(tmp_path))


@pytest.fixture
def now():
    return [0.0]


@pytest.fixture
def open_claims(store, now):
    def open_one(process, is_alive=lambda _: None):
        return Claims(
            store,
            "claims/op",
            clock=lambda: now[0],
            process_name=lambda: process,
            is_alive=is_alive,
            heartbeat=False,
        )

    return open_one


def raise_away(*_, **__):
    raise StopRun("away")


def test_one_that_beats_is_never_taken_over(open_claims, now):
    mine, other = open_claims("a"), open_claims("b")
    claim = mine.take("07", "run")
    for _ in range(100):
        now[0] += BEAT
        mine.beat()
        assert other.take("07", "run") is None
        assert mine.is_held(claim)
    assert other.take("08", "run") is not None


def test_one_that_is_silent_is_taken_over_after_the_lease_and_its_holder_knows(open_claims, now):
    mine, other = open_claims("a"), open_claims("b")
    claim = mine.take("07", "run")
    assert other.take("07", "run") is None
    now[0] += LEASE - 1
    assert other.take("07", "run") is None
    assert not mine.is_held(claim)
    now[0] += 1
    assert other.take("07", "run") is not None
    mine.beat()
    assert not mine.is_held(claim)


def test_the_lease_runs_from_when_a_watcher_first_sees_it_not_from_any_stamp(open_claims, now):
    open_claims("a").take("07", "run")
    now[0] += 10 * LEASE
    assert open_claims("b").take("07", "run") is None


def test_that_of_a_dead_process_is_taken_over_at_once(open_claims):
    open_claims("a").take("07", "run")
    other = open_claims("b", is_alive=lambda owner: owner != "a")
    assert other.take("07", "run") is not None


def test_one_that_was_released_is_free_at_once_and_leaves_nothing_behind(open_claims, store):
    mine, other = open_claims("a"), open_claims("b")
    claim = mine.take("07", "run")
    assert other.take("07", "run") is None
    mine.release(claim)
    assert list(store.keys("claims/")) == []
    assert other.take("07", "run") is not None
    assert mine.take("07", "run") is None


def test_releasing_late_takes_nothing_from_who_took_over(open_claims, now):
    mine, other, third = (open_claims(process) for process in "abc")
    claim = mine.take("07", "run")
    other.take("07", "run")
    now[0] += LEASE
    assert other.take("07", "run") is not None
    mine.release(claim)
    assert third.take("07", "run") is None


def test_claiming_takes_two_requests_and_waiting_writes_nothing(open_claims, store, monkeypatch):
    mine, other = open_claims("a"), open_claims("b")
    asked = []
    for name in ("write", "keys", "read", "delete"):
        request = getattr(store, name)
        monkeypatch.setattr(
            store, name, lambda *a, n=name, r=request, **how: (asked.append(n), r(*a, **how))[1]
        )
    mine.take("07", "run")
    assert asked == ["write", "keys"]
    other.take("07", "run")
    asked.clear()
    other.take("07", "run")
    assert asked == ["keys", "read"]


def test_one_that_cannot_be_removed_fails_nothing(open_claims, store, monkeypatch, caplog):
    mine = open_claims("a")
    claim = mine.take("07", "run")
    monkeypatch.setattr(store, "delete", raise_away)
    mine.release(claim)
    assert "could not be removed" in caplog.text
    assert not mine.is_held(claim)


def test_nothing_is_held_if_the_others_cannot_be_seen(open_claims, store, monkeypatch):
    mine = open_claims("a")
    with monkeypatch.context() as outage:
        outage.setattr(store, "keys", raise_away)
        with pytest.raises(StopRun):
            mine.take("07", "run")
    assert open_claims("b").take("07", "run") is not None


def test_a_damaged_one_is_left_to_the_lease(open_claims, store, now):
    store.write("claims/op/07/x.json", b"{", JSON)
    mine = open_claims("a")
    assert mine.take("07", "run") is None
    now[0] += LEASE
    assert mine.take("07", "run") is not None


def test_beats_through_an_outage_shorter_than_the_lease(open_claims, store, now, monkeypatch):
    mine, other = open_claims("a"), open_claims("b")
    claim = mine.take("07", "run")
    with monkeypatch.context() as outage:
        outage.setattr(store, "write", raise_away)
        now[0] += BEAT
        mine.beat()
    now[0] += BEAT
    mine.beat()
    assert mine.is_held(claim)
    assert other.take("07", "run") is None


def test_the_heart_beats_while_claims_are_held_and_stops_after(store, monkeypatch):
    pauses = threading.Semaphore(0)
    beaten = threading.Event()
    monkeypatch.setattr(
        "image_tags.tasks.adapters.store.claims.time.sleep", lambda _: pauses.acquire()
    )
    clock = itertools.count(0, BEAT)
    mine = Claims(
        store, "claims/op", clock=lambda: float(next(clock)) if not beaten.is_set() else 1e9
    )
    claim = mine.take("07", "run")
    thread = mine._beating
    write = store.write
    monkeypatch.setattr(store, "write", lambda *args, **how: (write(*args, **how), beaten.set()))
    pauses.release()
    assert beaten.wait(60)
    mine.release(claim)
    pauses.release()
    thread.join(60)
    assert not thread.is_alive()


@given(st.lists(st.integers(0, 2), max_size=60))
def test_never_do_two_hold_a_part_whatever_interleaves(tmp_path_factory, order):
    """Three processes claim and release a part over and over, in any order of their requests."""
    store = FolderStore(str(tmp_path_factory.mktemp("store")))
    holders: list[int] = []

    def claim_and_release(worker, who):
        claims = Claims(
            Stepped(store, worker),
            "claims/op",
            clock=lambda: 0.0,
            process_name=lambda: str(who),
            is_alive=lambda _: None,
            heartbeat=False,
        )
        for _ in range(4):
            if claim := claims.take("07", "run"):
                holders.append(who)
                assert len(holders) == 1, "two hold it"
                worker.step()
                holders.remove(who)
                claims.release(claim)

    workers = [Worker(lambda worker, who=who: claim_and_release(worker, who)) for who in range(3)]
    for who in [*order, *range(3)] + list(range(3)) * 60:
        if not workers[who].done:
            workers[who].turn()
    assert all(worker.done for worker in workers)
    assert [worker.error for worker in workers] == [None] * 3
