"""One pace an operation, shared by every thread of the process.

Why not a library: pyrate-limiter, throttled-py and limits answer "may I, now?", so threads that wait wake up together, one
gets through, and time is lost while the others fall asleep again. Slots handed out in advance lose none and never burst.
"""

import threading
import time
from collections.abc import Callable

AT_ONCE = 1.0
"""Seconds in which any number of refusals count as one: calls in flight are refused together."""

SLOWER = 0.7
"""What a refusal leaves of the pace."""

RECOVERY = 0.02
"""The share of the full rate that the pace regains in a second."""


class Pacer:
    """Gives each caller a slot of its own, `1 / rate` seconds apart, first come, first served.

    When the other side refuses although the pace is kept (others use the same account), the pace drops and recovers slowly.
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
        self._lock = threading.Lock()
        self._next_slot = 0.0
        self._reduced = rate
        self._reduced_at = float("-inf")

    def wait(self) -> None:
        """Return when the caller's slot has come."""
        with self._lock:
            now = self._clock()
            slot = max(self._next_slot, now)
            self._next_slot = slot + 1 / self._pace(now)
        if slot > now:
            self._sleep(slot - now)

    def slow_down(self) -> None:
        """The other side refused a call for being one too many."""
        with self._lock:
            now = self._clock()
            if now - self._reduced_at >= AT_ONCE:
                self._reduced = self._pace(now) * SLOWER
                self._reduced_at = now

    def _pace(self, now: float) -> float:
        if self._reduced == self.rate:
            return self.rate
        return min(self.rate, self._reduced + self.rate * RECOVERY * (now - self._reduced_at))


_pacers: dict[tuple[str, str, float], Pacer] = {}
_pacers_lock = threading.Lock()


def shared_pacer(endpoint: str, operation: str, rate: float) -> Pacer:
    """The process's one pacer for an operation at an endpoint, however many analyzers there are."""
    with _pacers_lock:
        return _pacers.setdefault((endpoint, operation, rate), Pacer(rate))
