"""What one link may cost: the time it still has, and the bytes that may still come."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from image_tags.tasks.contracts.errors import LinkError, Passing
from image_tags.tasks.contracts.reasons import Reason
from image_tags.tasks.contracts.settings import FetchSettings


class Budget:
    """The time and the bytes one link still has. Used by one thread.

    Attributes:
        settings: where the limits come from.
        deadline: on time.monotonic()'s clock.
        heard: bytes that came in answer to the request under way.
        connected: whether that request had to make a new connection.

    """

    def __init__(self, settings: FetchSettings) -> None:
        self.settings = settings
        self.deadline = time.monotonic() + settings.deadline
        self.heard = 0
        self.connected = False
        self._limit = 0
        self._exceeded: LinkError | None = None

    def seconds_left(self) -> float:
        """Seconds left; Passing (`timeout`) if there are none."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise Passing(
                Reason.TIMEOUT, f"not done within {self.settings.deadline:g} s (deadline)"
            )
        return left

    def connect_timeout_left(self) -> float:
        """Seconds that a connection may take now."""
        return min(self.seconds_left(), self.settings.connect_timeout)

    def read_timeout_left(self) -> float:
        """Seconds that the next bytes may take now."""
        return min(self.seconds_left(), self.settings.read_timeout)

    def start_request(self) -> None:
        """A request is about to be sent."""
        self.heard = 0
        self.connected = False

    def limit_bytes(self, count: int, exceeded: LinkError) -> None:
        """From here on `count` bytes may come; one more raises `exceeded`."""
        self._limit = self.heard + count
        self._exceeded = exceeded

    def count_bytes(self, count: int) -> None:
        """Note that `count` bytes came."""
        self.heard += count
        if self.heard > self._limit and self._exceeded:
            raise self._exceeded

    @contextmanager
    def used_here(self) -> Iterator[None]:
        """Let the connections that this thread uses spend from this budget."""
        _thread.budget = self
        try:
            yield
        finally:
            del _thread.budget


_thread = threading.local()


def get_current_budget() -> Budget:
    """The budget of the link that this thread is busy with."""
    budget: Budget = _thread.budget
    return budget
