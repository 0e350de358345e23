"""One run at a time on a store."""

import threading

import pytest

from image_tags.tasks.adapters.orchestration import store_lock
from image_tags.tasks.adapters.orchestration.store_lock import KEY, LEASE, hold_store
from image_tags.tasks.adapters.store import owner
from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.contracts.errors import StoreBusy
from tests.support.processes import until


class Time:
    """A clock that only sleeping moves."""

    def __init__(self):
        self.now = 0.0

    def clock(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def store(tmp_path):
    return FolderStore(str(tmp_path))


@pytest.fixture
def time():
    return Time()


def hold(store, run, time, patience=10.0, announced=None):
    seen = announced if announced is not None else []
    return hold_store(store, run, patience, seen.append, time.clock, time.sleep)


def taken_by(store, run, name):
    """The lock of a run whose process has this name."""
    content = f'{{"run": "{run}", "owner": "{name}", "since": "2026-11-26T20:00:00+00:00"}}'
    store.write(KEY, content.encode(), "application/json")


def test_it_is_given_back_also_after_an_error(store, time):
    with hold(store, "a", time):
        assert store.exists(KEY)
    assert not store.exists(KEY)
    with pytest.raises(KeyError), hold(store, "a", time):
        raise KeyError
    assert not store.exists(KEY)


def test_another_run_waits_and_then_yields_with_a_sentence(store, time):
    announced = []
    with (
        hold(store, "first", time),
        pytest.raises(StoreBusy, match="Nothing was done: the run first, which has been working"),
        hold(store, "second", time, 10.0, announced),
    ):
        raise AssertionError("two runs at once")
    (sentence,) = announced
    since = "which has been working on this store since 2"
    assert sentence.startswith(f"Waiting for the run first, {since}")
    assert 10 <= time.now < 12


def test_another_run_goes_on_as_soon_as_the_first_has_ended(store):
    order, waiting = [], threading.Event()

    def second():
        with hold_store(store, "second", 60.0, lambda _: waiting.set()):
            order.append("second")

    thread = threading.Thread(target=second)
    with hold_store(store, "first", 0.0, lambda _: None):
        thread.start()
        assert waiting.wait(30)
        order.append("first")
    thread.join(30)
    assert order == ["first", "second"]


def test_a_retry_takes_over_the_lock_of_its_own_run(store, time):
    taken_by(store, "mine", "0" * 32)
    with hold(store, "mine", time):
        assert time.now == 0


def test_the_lock_of_a_process_of_this_machine_that_ended_is_free_at_once(store, time, monkeypatch):
    taken_by(store, "killed", "1" * 32)
    monkeypatch.setattr(owner, "alive", lambda name: False)
    with hold(store, "next", time):
        assert time.now == 0


def test_the_lock_of_a_machine_that_is_gone_is_free_after_a_while(store, time):
    taken_by(store, "gone", "elsewhere")
    with hold(store, "next", time, patience=10 * LEASE):
        assert LEASE <= time.now < LEASE + 5


def test_a_holder_that_lives_keeps_it_however_long_it_works(store, time, monkeypatch):
    monkeypatch.setattr(store_lock, "BEAT", 0.01)
    monkeypatch.setattr(owner, "alive", lambda name: None)
    with hold(store, "long", time):
        before = store.read(KEY)
        until(lambda: store.read(KEY) != before, 30)
        assert b'"run": "long"' in store.read(KEY)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"run": "x"}'])
def test_what_is_no_lock_holds_nobody_up(store, time, content):
    store.write(KEY, content, "application/json")
    with hold(store, "next", time):
        assert time.now == 0
