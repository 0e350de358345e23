"""Pacing one site: few requests at the same time, slower when it asks, none while it is down."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from image_tags.tasks.adapters.web.failures import AskedToWait
from image_tags.tasks.adapters.web.resolver import Unreachable
from image_tags.tasks.contracts.errors import Transient
from image_tags.tasks.contracts.reasons import Reason

FIRST_GAP = 0.1
"""Seconds between requests to a site that asked once to slow down; doubled each further time."""

LONGEST_GAP = 3.2

LONGEST_PAUSE = 5.0
"""Seconds that a whole site pauses at most; a link asked to wait longer is left pending."""

DOWN_AT = 20
"""Strikes in a row after which a site counts as down.

A failed connection counts four, any other transient failure one.
"""

DOWN_FOR = 60.0
"""Seconds for which the links of a site that is down are left pending without a request."""

REMEMBERED = 10_000
"""Idle sites that are remembered at most."""


class _Site:
    def __init__(self, at_once: int) -> None:
        self.slots = threading.BoundedSemaphore(at_once)
        self.users = 0
        self.gap = 0.0
        self.next = 0.0
        self.strikes = 0
        self.last: Transient | None = None
        self.down_until = 0.0


class Hosts:
    """Gives out turns. Thread-safe."""

    def __init__(
        self,
        at_once: int,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._at_once = at_once
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._sites: dict[str, _Site] = {}

    @contextmanager
    def wait_turn(self, name: str) -> Iterator[float]:
        """Wait for one of this site's slots, keep it for the block, and yield the seconds waited.

        Raises at once, with the reason of the last failure, if the site is down.
        """
        start = self._clock()
        with self._lock:
            site = self._find_site(name)
            site.users += 1
        try:
            with site.slots:
                pause = self._reserve_pause(site)
                if pause > 0:
                    self._sleep(pause)
                yield self._clock() - start
        finally:
            with self._lock:
                site.users -= 1
                self._forget_idle(name, site)

    def record_failure(self, name: str, failure: Transient) -> None:
        """Record a transient failure; a prompt server error counts as an answer."""
        if failure.reason is Reason.SERVER_ERROR and not isinstance(failure, AskedToWait):
            self.record_answer(name)
            return
        with self._lock:
            site = self._find_site(name)
            site.last = failure
            site.strikes += 4 if isinstance(failure, Unreachable) else 1
            if site.strikes >= DOWN_AT:
                site.down_until = self._clock() + DOWN_FOR
            if isinstance(failure, AskedToWait):
                site.gap = min(max(2 * site.gap, FIRST_GAP), LONGEST_GAP)
                pause = min(failure.retry_after or site.gap, 10 * site.gap, LONGEST_PAUSE)
                site.next = max(site.next, self._clock() + pause)

    def record_answer(self, name: str) -> None:
        """Record an answer: the site is not down, and the gap is halved."""
        with self._lock:
            site = self._find_site(name)
            site.strikes = 0
            site.gap = site.gap / 2 if site.gap >= FIRST_GAP else 0.0

    def _find_site(self, name: str) -> _Site:
        site = self._sites.get(name)
        if site is None:
            site = self._sites[name] = _Site(self._at_once)
        return site

    def _reserve_pause(self, site: _Site) -> float:
        """Return the seconds until this request may be sent."""
        with self._lock:
            now = self._clock()
            if site.last and site.strikes >= DOWN_AT and now < site.down_until:
                raise Transient(
                    site.last.reason,
                    f"not requested: the site failed repeatedly, most recently: {site.last.detail}",
                    retry_after=site.down_until - now,
                )
            if not site.gap:
                return 0.0
            begin = max(now, site.next)
            site.next = begin + site.gap
            return begin - now

    def _forget_idle(self, name: str, site: _Site) -> None:
        if not site.users and not site.gap and not site.strikes:
            self._sites.pop(name, None)
        elif len(self._sites) > REMEMBERED:
            for idle in [one for one, other in self._sites.items() if not other.users]:
                del self._sites[idle]
