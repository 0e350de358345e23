"""Counts of what a run needed more than once: retries, throttled requests, slow hosts."""

import threading
import uuid
from collections import Counter
from collections.abc import Iterable

SLOW = 2.0
"""Seconds from which on a request counts for its host as a slow one."""

HOSTS = 1_000
"""Slow hosts that are counted at most."""

Counts = dict[str, dict[str, float]]
"""What was counted: `requests`, `calls`, `throttled`, `retries`, `slow_seconds`, `slow_requests`;
by operation, `fetch` or host.
"""


class Tally:
    """The counts of one process. Thread-safe.

    Attributes:
        name: unique, so that the counts of several processes and tries can be added up.

    """

    def __init__(self) -> None:
        self.name = uuid.uuid4().hex
        self._lock = threading.Lock()
        self._counts: dict[str, Counter[str]] = {}

    def count(self, what: str, which: str, amount: float = 1) -> None:
        """Add to a count."""
        with self._lock:
            counts = self._counts.setdefault(what, Counter())
            counts[which] += amount  # type: ignore[assignment]  # seconds are fractions

    def count_request(self, host: str, seconds: float) -> None:
        """Count a request to a host if it was slow."""
        if seconds < SLOW:
            return
        with self._lock:
            known = self._counts.get("slow_requests", Counter())
            if host not in known and len(known) >= HOSTS:
                return
        self.count("slow_requests", host)
        self.count("slow_seconds", host, seconds)

    def as_counts(self) -> Counts:
        """All counts so far."""
        with self._lock:
            return {what: dict(counts) for what, counts in self._counts.items()}


def add_counts(parts: Iterable[Counts]) -> Counts:
    """The sum of the counts of several processes."""
    total: dict[str, Counter[str]] = {}
    for part in parts:
        for what, counts in part.items():
            total.setdefault(what, Counter()).update(counts)
    return {what: dict(counts) for what, counts in total.items()}
