"""What one link may still use: its remaining time and bytes."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from image_tags.tasks.contracts.errors import LinkError, Transient
from image_tags.tasks.contracts.reasons import Reason
from image_tags.tasks.contracts.settings import FetchSettings


class Budget:
    """The time and bytes that one link may still use. Not thread-safe.

    Attributes:
        settings: the limits.
        deadline: on time.monotonic()'s clock.
        heard: bytes received for the current request.
        connected: whether that request opened a new connection.

    """

    def __init__(self, settings: FetchSettings) -> None:
        self.settings = settings
        self.deadline = time.monotonic() + settings.deadline
        self.heard = 0
        self.connected = False
        self._limit = 0
        self._exceeded: LinkError | None = None

    def seconds_left(self) -> float:
        """Seconds left until the deadline; raises `timeout` if there are none."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise Transient(
                Reason.TIMEOUT, f"not finished within {self.settings.deadline:g} s (deadline)"
            )
        return left

    def connect_timeout_left(self) -> float:
        """Seconds that connecting may take now."""
        return min(self.seconds_left(), self.settings.connect_timeout)

    def read_timeout_left(self) -> float:
        """Seconds that the next read may take now."""
        return min(self.seconds_left(), self.settings.read_timeout)

    def start_request(self) -> None:
        """Reset the counters before a request is sent."""
        self.heard = 0
        self.connected = False

    def limit_bytes(self, count: int, exceeded: LinkError) -> None:
        """Allow `count` more bytes; one more raises `exceeded`."""
        self._limit = self.heard + count
        self._exceeded = exceeded

    def count_bytes(self, count: int) -> None:
        """Count received bytes; raises what `limit_bytes` was given once there are too many."""
        self.heard += count
        if self.heard > self._limit and self._exceeded:
            raise self._exceeded

    @contextmanager
    def used_here(self) -> Iterator[None]:
        """Make this the budget of the connections that this thread uses."""
        _thread.budget = self
        try:
            yield
        finally:
            del _thread.budget


_thread = threading.local()


def get_current_budget() -> Budget:
    """Return the budget of the link that this thread is fetching."""
    budget: Budget = _thread.budget
    return budget
