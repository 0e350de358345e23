"""Turns, pace and rest of a site, on a clock that the test holds."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tasks.adapters.web.hosts import DOWN_AFTER, DOWN_FOR, LONGEST_GAP, Hosts
from tasks.contracts.errors import Passing


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
    with hosts.turn(site) as seconds:
        return seconds


def test_no_more_requests_at_once_than_allowed():
    hosts, lock, most, now = Hosts(3), threading.Lock(), 0, 0
    enough = threading.Barrier(3, timeout=20)

    def ask(_):
        nonlocal most, now
        with hosts.turn("a"):
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
    with hosts.turn("a"), hosts.turn("a"):
        assert waited(hosts, "b") == 0


def test_a_site_that_asks_to_slow_down_is_asked_more_slowly(hosts):
    assert waited(hosts) == 0
    hosts.slow_down("a", None)
    assert waited(hosts) == pytest.approx(0.1)
    assert waited(hosts) == pytest.approx(0.1)
    hosts.slow_down("a", None)
    assert waited(hosts) == pytest.approx(0.2)


def test_a_pause_that_is_asked_for_is_kept_up_to_ten_gaps(hosts):
    hosts.slow_down("a", 0.5)
    assert waited(hosts) == pytest.approx(0.5)
    hosts.slow_down("a", 3600)
    assert waited(hosts) == pytest.approx(2.0)
    for _ in range(20):
        hosts.slow_down("a", 3600)
    assert waited(hosts) == pytest.approx(10 * LONGEST_GAP)


def test_good_answers_bring_the_old_pace_back(hosts):
    for _ in range(6):
        hosts.slow_down("a", None)
    waited(hosts)
    for _ in range(7):
        hosts.answered("a")
    assert waited(hosts) == 0


def test_a_site_that_is_down_rests_and_gets_another_chance(hosts, clock):
    for _ in range(DOWN_AFTER):
        assert waited(hosts) == 0
        hosts.unreachable("a")
    with pytest.raises(Passing, match="connection_failed") as caught:
        waited(hosts)
    assert caught.value.retry_after == pytest.approx(DOWN_FOR)
    clock.now += DOWN_FOR
    assert waited(hosts) == 0
    hosts.unreachable("a")
    with pytest.raises(Passing):
        waited(hosts)


def test_one_answer_shows_that_a_site_is_up(hosts):
    for _ in range(DOWN_AFTER - 1):
        hosts.unreachable("a")
    hosts.answered("a")
    hosts.unreachable("a")
    assert waited(hosts) == 0


def test_sites_are_forgotten_when_nobody_needs_them(hosts, monkeypatch):
    for n in range(100):
        waited(hosts, f"good{n}")
    assert not hosts._sites
    monkeypatch.setattr("tasks.adapters.web.hosts.REMEMBERED", 10)
    for n in range(100):
        with hosts.turn(f"dead{n}"):
            hosts.unreachable(f"dead{n}")
    assert len(hosts._sites) <= 11
