"""Settling batches: partitions that others hold come last, lost claims are taken again."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from image_tags.tasks.adapters.ledger.ledger import Ledger
from image_tags.tasks.adapters.ledger.partitions import partition_of
from image_tags.tasks.adapters.ledger.settling import Settling
from image_tags.tasks.adapters.segments import group_commit
from image_tags.tasks.adapters.store.claims import LEASE, Claims
from image_tags.tasks.adapters.store.folder import FolderStore
from image_tags.tasks.contracts.errors import StopRun, Transient
from image_tags.tasks.contracts.reasons import Reason
from image_tags.tasks.contracts.records import Answer, Picture

SETTINGS = {"analyzer": "rekognition"}


def picture(n):
    """Images 0-3 are in one partition, 4-7 in the next, and so on."""
    image_id = f"{n // 4 * 4:02x}{n:062x}"
    return Picture(image_id, f"images/{image_id}.jpg", 1, 100, 100)


PICTURES = [picture(n) for n in range(12)]


@pytest.fixture
def store(tmp_path):
    return FolderStore(str(tmp_path))


def open_ledger(store, **given):
    return Ledger(store, "op", SETTINGS, interval=0.0, **given)


def settle(ledger, ask, threads=3, pictures=PICTURES, **given):
    reported = {}

    def report(picture, settled):
        assert threading.current_thread() is caller
        assert picture.image_id not in reported, "reported twice"
        reported[picture.image_id] = settled

    caller = threading.current_thread()
    Settling(ledger, "run", ask, threads, report, **given).settle(pictures)
    return reported


def test_every_image_is_reported_once_with_what_came_of_it(store):
    asked = []

    def ask(one):
        asked.append(one.image_id)
        if one == PICTURES[5]:
            raise Transient(Reason.THROTTLED, "slow down")
        return Answer({})

    first = settle(open_ledger(store), ask)
    assert Counter(asked) == Counter(one.image_id for one in PICTURES)
    failed = first.pop(PICTURES[5].image_id)
    assert (failed.reason, failed.detail) == (Reason.THROTTLED, "slow down")
    assert set(first.values()) == {True}
    second = settle(open_ledger(store), lambda one: Answer({}))
    assert [one for one, was_asked in second.items() if was_asked] == [PICTURES[5].image_id]
    assert list(store.keys("claims/")) == []


def test_a_partition_that_is_held_is_left_for_last_and_its_answers_are_found(store):
    other = open_ledger(store)
    hold = other.acquire(partition_of(PICTURES[0].image_id), "other")
    asked = []

    def wait(_):
        assert len(asked) == 8, "everything else has been asked for by now"
        for one in PICTURES[:4]:
            other.start(hold, one, "other", lambda: Answer({})).result(60)
        other.release(hold)

    def ask(one):
        asked.append(one)
        return Answer({})

    reported = settle(open_ledger(store), ask, wait=wait)
    assert len(asked) == 8
    assert [reported[one.image_id] for one in PICTURES] == [False] * 4 + [True] * 8


def test_a_claim_that_is_lost_in_the_middle_is_taken_again_and_the_ledger_looked_at(store):
    now = [0.0]
    claims = Claims(store, "claims/op", clock=lambda: now[0], heartbeat=False)
    asked = []

    def ask(one):
        if len(asked) == 1:  # the process stalls, and another one takes the partition over
            now[0] += 2 * LEASE
            theirs = open_ledger(store, claims=dead_to(store))
            assert theirs.settle(PICTURES[3], "other", lambda: Answer({}))
        asked.append(one)
        return Answer({})

    def dead_to(store):
        return Claims(store, "claims/op", process_name=lambda: "b", is_alive=lambda _: False)

    reported = settle(open_ledger(store, claims=claims), ask, threads=1, pictures=PICTURES[:4])
    assert [reported[one.image_id] for one in PICTURES[:4]] == [True, True, True, False]
    assert asked == PICTURES[:3]


def test_once_the_run_must_stop_nothing_more_is_asked_and_what_was_answered_is_kept(store):
    asked = []

    def ask(one):
        asked.append(one.image_id)
        if len(asked) == 3:
            raise StopRun("no credentials")
        return Answer({})

    with pytest.raises(StopRun, match="no credentials"):
        settle(open_ledger(store), ask, threads=1)
    assert len(asked) == 3
    ids = [one.image_id for one in PICTURES]
    assert open_ledger(store).find_answered(ids) == set(asked[:2])
    assert list(store.keys("claims/")) == []


def test_while_answers_cannot_be_saved_no_more_are_paid_for(store, monkeypatch):
    """One batch's commit meets an outage; another batch of the same ledger asks for nothing."""
    write, away, back = store.write, threading.Event(), threading.Event()
    asked = []

    def write_once_it_is_back(key, *args, **how):
        if key.startswith("responses/"):
            away.set()
            assert back.wait(30)
        write(key, *args, **how)

    def ask(one):
        asked.append(one.image_id)
        return Answer({})

    monkeypatch.setattr(store, "write", write_once_it_is_back)
    monkeypatch.setattr(group_commit, "SLOW", 0.0)
    ledger = open_ledger(store)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(settle, ledger, ask, threads=1, pictures=PICTURES[:1])
        assert away.wait(30)
        second = pool.submit(settle, ledger, ask, threads=3, pictures=PICTURES[4:])
        with pytest.raises(TimeoutError):
            second.result(0.3)
        assert asked == [PICTURES[0].image_id]
        back.set()
        assert len(first.result(30)) == 1
        assert len(second.result(30)) == 8
    assert len(asked) == len(set(asked)) == 9


def test_an_error_while_reporting_stops_it_too(store):
    class Killed(BaseException):
        pass

    def report(*_):
        raise Killed

    with pytest.raises(Killed):
        Settling(open_ledger(store), "run", lambda _: Answer({}), 1, report).settle(PICTURES)
    assert list(store.keys("claims/")) == []


@settings(max_examples=20)
@given(
    st.lists(st.lists(st.integers(0, 11), max_size=14), min_size=2, max_size=3),
    st.sets(st.integers(0, 11), max_size=3),
    st.integers(1, 3),
)
def test_runs_at_the_same_time_ask_once_for_each_image(tmp_path_factory, runs, flaky, threads):
    store = FolderStore(str(tmp_path_factory.mktemp("store")))
    answered, failed, lock = Counter(), set(), threading.Lock()

    def ask(one):
        with lock:
            n = PICTURES.index(one)
            if n in flaky and n not in failed:
                failed.add(n)
                raise Transient(Reason.THROTTLED, "slow down")
            answered[n] += 1
        return Answer({"n": n})

    def run(numbers):
        pictures = [PICTURES[n] for n in dict.fromkeys(numbers)]
        return settle(open_ledger(store), ask, threads, pictures, wait=lambda _: None)

    with ThreadPoolExecutor(len(runs)) as pool:
        reports = list(pool.map(run, runs))
    assert max(answered.values(), default=0) <= 1
    for numbers, reported in zip(runs, reports, strict=True):
        assert set(reported) == {PICTURES[n].image_id for n in numbers}
    wanted = {n for numbers in runs for n in numbers}
    found = open_ledger(store).find_answered([one.image_id for one in PICTURES])
    assert found == {PICTURES[n].image_id for n in answered}
    assert wanted - set(answered) <= failed
