"""Manners towards one host: a cap on simultaneous requests, and a slower pace when it asks for one."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SLOWEST = 3.2
"""Seconds between two requests to a host that keeps asking to slow down."""


class _Host:
    def __init__(self, at_once: int) -> None:
        self.slots = threading.BoundedSemaphore(at_once)
        self.users = 0
        self.gap = 0.0
        self.next = 0.0


class Hosts:
    """Whose turn it is. Thread-safe; remembers a host only while it is in use or slowed down."""

    def __init__(
        self, at_once: int, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._at_once = at_once
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._hosts: dict[str, _Host] = {}

    @contextmanager
    def turn(self, site: str) -> Iterator[float]:
        """Wait for this site's turn and keep its slot for the block; yields the seconds waited."""
        start = self._clock()
        with self._lock:
            host = self._host(site)
            host.users += 1
        try:
            with host.slots:
                pause = self._pause(host)
                if pause > 0:
                    self._sleep(pause)
                yield self._clock() - start
        finally:
            with self._lock:
                host.users -= 1
                if not host.users and host.next <= self._clock():
                    self._hosts.pop(site, None)

    def slow_down(self, site: str, retry_after: float | None) -> None:
        """The site answered 429 or 503: double the gap between requests, and pause as long as it asks for.

        The pause is at most ten gaps, so that one odd answer does not hold up a whole host, and a host that
        means it is left alone longer with each such answer.
        """
        with self._lock:
            host = self._host(site)
            host.gap = min(max(2 * host.gap, 0.1), SLOWEST)
            host.next = max(host.next, self._clock() + min(retry_after or host.gap, 10 * host.gap))

    def speed_up(self, site: str) -> None:
        """The site answered: halve the gap."""
        host = self._hosts.get(site)
        if host and host.gap:
            with self._lock:
                host.gap = host.gap / 2 if host.gap > 0.05 else 0.0

    def _host(self, site: str) -> _Host:
        host = self._hosts.get(site)
        if host is None:
            host = self._hosts[site] = _Host(self._at_once)
        return host

    def _pause(self, host: _Host) -> float:
        if not host.gap:
            return 0.0
        with self._lock:
            now = self._clock()
            begin = max(now, host.next)
            host.next = begin + host.gap
            return begin - now
