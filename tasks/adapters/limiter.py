"""One pace an operation, shared by every thread of the process.

Why not a library: pyrate-limiter, throttled-py and limits answer "may I, now?", so threads that wait wake up together, one
gets through, and time is lost while the others fall asleep again. Here they queue, and one at a time waits for its slot.
"""

import threading
import time
from collections.abc import Callable

CATCHING_UP = 1.015
"""How much faster than the rate calls may go until time lost in a stall is made up for."""

CREDIT = 0.25
"""Seconds lost that are made up for at most: a pause is no credit."""

REFUSAL_COSTS = 5
"""Slots left empty after a refusal. If only every second call is taken, a seventh of the calls is refused at this price."""


class Pacer:
    """Lets callers through one by one, `1 / rate` seconds apart. Never a burst, not even after a stall or a pause.

    When the other side refuses although the pace is kept (others use the same account), slots stay empty.
    """

    def __init__(
        self,
        rate: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.rate = rate
        self._clock = clock
        self._sleep = sleep
        self._turn = threading.Lock()
        self._slot = self._earliest = clock()
        self._counting = threading.Lock()
        self._empty = 0

    def wait(self) -> None:
        """Return when the caller's slot has come."""
        with self._turn:
            with self._counting:
                empty, self._empty = self._empty / self.rate, 0
            self._slot += empty
            self._earliest += empty
            pause = max(self._slot, self._earliest) - self._clock()
            if pause > 0:
                self._sleep(pause)
            now = self._clock()
            self._slot = max(self._slot, now - CREDIT) + 1 / self.rate
            self._earliest = now + 1 / (self.rate * CATCHING_UP)

    def slow_down(self) -> None:
        """The other side refused a call for being one too many."""
        with self._counting:
            self._empty += REFUSAL_COSTS


_pacers: dict[tuple[str, str, float], Pacer] = {}
_pacers_lock = threading.Lock()


def shared_pacer(endpoint: str, operation: str, rate: float) -> Pacer:
    """The process's one pacer for an operation at an endpoint, however many analyzers there are."""
    with _pacers_lock:
        return _pacers.setdefault((endpoint, operation, rate), Pacer(rate))
