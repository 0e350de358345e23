"""The pacer, on a clock of its own."""

import math
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from image_tags.tasks.adapters.analyzers.pacer import (
    CREDIT,
    FASTER,
    UNDER_QUOTA,
    Pacer,
    shared_pacer,
)


class Clock:
    """Time that passes only when told, or slept; each sleep lasts a little longer than asked, as
    real ones do.
    """

    def __init__(self, lag: float = 0.0) -> None:
        self.now, self.lag = 1000.0, lag

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds + self.lag


def admitted(pacer: Pacer, clock: Clock, stalls: list[float]) -> list[float]:
    """When each of a row of callers got through; before each, the process stalls for so long."""
    times = []
    for stall in stalls:
        clock.now += stall
        pacer.wait()
        times.append(clock.now)
    return times


@given(
    quota=st.floats(0.1, 200),
    stalls=st.lists(
        st.sampled_from([0.0, 0.0, 0.0, 0.001, 0.05, 0.3, 2.0, 30.0]), min_size=1, max_size=150
    ),
    lag=st.sampled_from([0.0, 0.0005, 0.01]),
)
def test_no_second_holds_more_calls_than_the_quota_however_time_passes(
    quota: float, stalls: list[float], lag: float
) -> None:
    clock = Clock(lag)
    times = admitted(Pacer(quota, clock, clock.sleep), clock, stalls)
    for start in times:
        assert sum(start <= time < start + 1 for time in times) <= math.ceil(quota)


@given(st.floats(1, 200), st.sampled_from([0.0, 0.0005]))
def test_calls_are_even_and_the_quota_is_used_up_although_sleeps_last_too_long(
    quota: float, lag: float
) -> None:
    clock = Clock(lag)
    times = admitted(Pacer(quota, clock, clock.sleep), clock, [0.0] * 401)
    assert 400 / (times[-1] - times[0]) > quota * UNDER_QUOTA * 0.98
    assert min(later - earlier for earlier, later in pairwise(times)) >= 1 / (quota * FASTER) - 1e-9


def test_a_stall_is_made_up_for_and_a_long_pause_is_no_credit() -> None:
    clock = Clock()
    pacer = Pacer(50, clock, clock.sleep)
    times = admitted(pacer, clock, [0.0] * 50 + [0.2] + [0.0] * 149)
    assert 199 / (times[-1] - times[0]) > 50 * UNDER_QUOTA * 0.995
    clock.now += 3600
    times = admitted(pacer, clock, [0.0] * 500)
    assert times[-1] - times[0] > 499 / 50 - CREDIT


def test_the_first_refusal_costs_a_slot_and_each_further_one_within_a_second_one_more() -> None:
    clock = Clock()
    pacer = Pacer(10, clock, clock.sleep)
    interval = 1 / (10 * UNDER_QUOTA)
    admitted(pacer, clock, [0.0] * 20)
    for refusals, slots in ((1, 1), (3, 1 + 2 + 3)):
        for _ in range(refusals):
            pacer.slow_down()
        before = clock.now
        admitted(pacer, clock, [0.0])
        assert clock.now - before == pytest.approx((1 + slots) * interval)
        admitted(pacer, clock, [0.0] * 20)


def test_time_lost_in_a_pause_does_not_pay_for_refusals() -> None:
    clock = Clock()
    pacer = Pacer(10, clock, clock.sleep)
    clock.now += 60
    pacer.slow_down()
    before = clock.now
    pacer.wait()
    pacer.slow_down()
    pacer.wait()
    assert clock.now - before > 2 / 10


def test_a_quota_of_half_the_size_is_found_out() -> None:
    clock = Clock()
    pacer = Pacer(50, clock, clock.sleep)
    taken: list[float] = []
    refused = 0
    for _ in range(1000):
        pacer.wait()
        taken = [time for time in taken if time > clock.now - 1]
        if len(taken) < 25:
            taken.append(clock.now)
        else:
            refused += 1
            pacer.slow_down()
    assert refused < 200
    assert 1000 - refused > 0.9 * 25 * (clock.now - 1000)


def test_the_first_caller_does_not_wait() -> None:
    clock = Clock()
    Pacer(0.01, clock, clock.sleep).wait()
    assert clock.now == 1000.0


def test_threads_share_one_pace() -> None:
    clock = Clock()
    pacer = Pacer(100, clock, clock.sleep)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: pacer.wait(), range(201)))
    assert clock.now - 1000.0 >= 2


def test_analyzers_of_one_process_share_the_pacer() -> None:
    one = shared_pacer("https://here", "detect_text", 50)
    assert one is shared_pacer("https://here", "detect_text", 50)
    assert one is not shared_pacer("https://here", "detect_labels", 50)
    assert one is not shared_pacer("https://there", "detect_text", 50)


def test_analyzers_with_different_quotas_share_one_pacer_which_keeps_to_the_latest():
    slow = shared_pacer("https://shared", "detect_faces", 5)
    assert shared_pacer("https://shared", "detect_faces", 20) is slow
    assert slow._interval == pytest.approx(Pacer(20)._interval)


@given(st.floats(1, 50), st.floats(1, 50), st.integers(1, 60))
@example(4.0, 2.9375, 4)
def test_after_a_change_of_the_quota_no_second_holds_more_than_the_new_one(before, after, calls):
    clock = Clock()
    pacer = Pacer(before, clock, clock.sleep)
    for _ in range(calls):
        pacer.wait()
    pacer.set_quota(after)
    times = []
    for _ in range(calls):
        pacer.wait()
        times.append(clock())
    for start in times:
        assert sum(start <= one < start + 1 for one in times) <= math.ceil(after)
