"""One pace per operation, shared by every thread of the process.

Why not a library: pyrate-limiter, throttled-py and limits answer "may I, now?", so threads that
wait wake up together, one gets through, and time is lost while the others fall asleep again: of 49
evenly spaced calls per second, pyrate-limiter 4.5 (GCRA, burst 1) let 20 threads make 28. Here they
queue, and one at a time waits for its slot.
"""

import math
import threading
import time
from collections import deque
from collections.abc import Callable

from image_tags.tasks.adapters.single_flight import SingleFlight

UNDER_QUOTA = 0.985
"""The share of the quota that is used: leaves 15 ms a second for calls that arrive closer together
than they left.
"""

FASTER = 1.2
"""How much faster than the pace calls may go while time lost in a stall is made up for."""

CREDIT = 0.2
"""Seconds lost that are made up for at most: a pause is no credit for a burst."""


class Pacer:
    """Lets callers through one by one, evenly, just under `quota` calls per second.

    No second ever holds more than the quota.

    When the service throttles although the pace is kept, slots stay empty: one for the first
    throttling response within a second, as that may be an accident of the network; one more for
    each further one, as then others use the same quota. With a quota half of what was assumed, some
    15% of the calls are throttled, and the rest go through at that half.
    """

    def __init__(
        self,
        quota: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._quota = quota
        self._interval = 1 / (quota * UNDER_QUOTA)
        self._clock = clock
        self._sleep = sleep
        self._turn = threading.Lock()
        self._slot = clock()
        self._gone: deque[float] = deque(maxlen=math.ceil(quota))
        self._counting = threading.Lock()
        self._refusals: list[float] = []
        self._empty = 0

    def wait(self) -> None:
        """Return when the caller's slot has come."""
        with self._turn:
            with self._counting:
                empty, self._empty = self._empty * self._interval, 0
            self._slot = max(self._slot, self._clock() - CREDIT) + empty
            self._sleep_until(max(self._slot, self._earliest() + empty))
            self._gone.append(self._clock())
            self._slot += self._interval

    def set_quota(self, quota: float) -> None:
        """Keep to another quota from the next call on."""
        with self._turn:
            if quota != self._quota:
                self._quota = quota
                self._interval = 1 / (quota * UNDER_QUOTA)
                self._gone = deque(self._gone, maxlen=math.ceil(quota))

    def slow_down(self) -> None:
        """Record a throttling response."""
        with self._counting:
            now = self._clock()
            self._refusals = [*(refusal for refusal in self._refusals if refusal > now - 1), now]
            self._empty += len(self._refusals)

    def _earliest(self) -> float:
        if not self._gone:
            return self._slot
        after_last = self._gone[-1] + self._interval / FASTER
        if len(self._gone) < (self._gone.maxlen or 0):
            return after_last
        return max(after_last, self._gone[0] + len(self._gone) * self._interval)

    def _sleep_until(self, moment: float) -> None:
        pause = moment - self._clock()
        if pause > 0:
            self._sleep(pause)


_pacers: SingleFlight[tuple[str, str], Pacer] = SingleFlight()
"""By endpoint and operation. The service counts all calls of an account, from every client."""


def shared_pacer(endpoint: str, operation: str, quota: float) -> Pacer:
    """The process's one pacer for an operation at an endpoint; the latest quota holds for all."""
    pacer = _pacers.get((endpoint, operation), lambda: Pacer(quota))
    pacer.set_quota(quota)
    return pacer
