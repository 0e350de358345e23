"""Turns, pace and pauses of a site, on a clock that the test controls."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from image_tags.tasks.adapters.web.failures import AskedToWait
from image_tags.tasks.adapters.web.hosts import DOWN_FOR, LONGEST_PAUSE, Hosts
from image_tags.tasks.adapters.web.resolver import Unreachable
from image_tags.tasks.contracts.errors import Transient
from image_tags.tasks.contracts.reasons import Reason


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def hosts(clock):
    return Hosts(2, clock, clock.sleep)


def waited(hosts, site="a"):
    with hosts.wait_turn(site) as seconds:
        return seconds


def test_no_more_requests_at_once_than_allowed():
    hosts, lock, most, now = Hosts(3), threading.Lock(), 0, 0
    enough = threading.Barrier(3, timeout=20)

    def ask(_):
        nonlocal most, now
        with hosts.wait_turn("a"):
            with lock:
                now += 1
                most = max(most, now)
            enough.wait()
            with lock:
                now -= 1

    with ThreadPoolExecutor(9) as pool:
        list(pool.map(ask, range(30)))
    assert most == 3


def test_sites_do_not_wait_for_each_other(hosts):
    with hosts.wait_turn("a"), hosts.wait_turn("a"):
        assert waited(hosts, "b") == 0


def busy(retry_after=None):
    return AskedToWait(Reason.RATE_LIMITED, "the server answered 429", retry_after)


UNREACHABLE = Unreachable(Reason.CONNECTION_FAILED, "no connection to the host")
SLOW = Transient(Reason.TIMEOUT, "no data")


def test_a_site_that_asks_to_slow_down_is_asked_more_slowly(hosts):
    assert waited(hosts) == 0
    hosts.record_failure("a", busy())
    assert waited(hosts) == pytest.approx(0.1)
    assert waited(hosts) == pytest.approx(0.1)
    hosts.record_failure("a", busy())
    assert waited(hosts) == pytest.approx(0.2)


def test_a_pause_that_is_asked_for_is_kept_up_to_a_limit(hosts):
    hosts.record_failure("a", busy(0.5))
    assert waited(hosts) == pytest.approx(0.5)
    hosts.record_failure("a", busy(3600))
    assert waited(hosts) == pytest.approx(2.0)
    for _ in range(10):
        hosts.record_failure("a", busy(3600))
    assert waited(hosts) == pytest.approx(LONGEST_PAUSE)


def test_good_answers_bring_the_old_pace_back(hosts):
    for _ in range(6):
        hosts.record_failure("a", busy())
    waited(hosts)
    for _ in range(7):
        hosts.record_answer("a")
    assert waited(hosts) == 0


@pytest.mark.parametrize(("failure", "times"), [(UNREACHABLE, 5), (SLOW, 20), (busy(), 20)])
def test_a_site_that_is_down_rests_and_gets_another_chance(hosts, clock, failure, times):
    for _ in range(times):
        waited(hosts)
        hosts.record_failure("a", failure)
    with pytest.raises(
        Transient, match=f"{failure.reason}: not requested: .*{failure.detail}"
    ) as caught:
        waited(hosts)
    assert caught.value.retry_after == pytest.approx(DOWN_FOR)
    assert waited(hosts, "b") == 0
    clock.now += DOWN_FOR
    waited(hosts)
    hosts.record_failure("a", failure)
    with pytest.raises(Transient):
        waited(hosts)


@pytest.mark.parametrize("failure", [UNREACHABLE, SLOW, busy()])
def test_one_answer_shows_that_a_site_is_up(hosts, failure):
    for _ in range(100):
        hosts.record_failure("a", failure)
        hosts.record_answer("a")
    waited(hosts)


def test_errors_that_come_promptly_are_answers(hosts):
    for _ in range(100):
        hosts.record_failure("a", Transient(Reason.SERVER_ERROR, "the server answered 500"))
    assert waited(hosts) == 0


def test_sites_are_forgotten_when_nobody_needs_them(hosts, monkeypatch):
    for n in range(100):
        waited(hosts, f"good{n}")
    assert not hosts._sites
    monkeypatch.setattr("image_tags.tasks.adapters.web.hosts.REMEMBERED", 10)
    for n in range(100):
        with hosts.wait_turn(f"dead{n}"):
            hosts.record_failure(f"dead{n}", UNREACHABLE)
    assert len(hosts._sites) <= 11
