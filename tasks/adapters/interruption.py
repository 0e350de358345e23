"""A request to end this process: no call begins after it, answers in flight are saved.

A signal concerns the whole process, so this state is one per process too. Whoever makes a paid call
holds `call()` from before it is sent until its answer is saved.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from image_tags.tasks.contracts.errors import StopRun

SENTENCE = "Interrupted. Nothing is lost; run the same command again."


class Interrupted(StopRun):
    """The process was asked to end."""

    def __init__(self) -> None:
        super().__init__(SENTENCE)


class Interruption:
    """Whether the process was asked to end, and how many calls are in flight.

    All methods may be called from many threads.
    """

    def __init__(self) -> None:
        self._requested = threading.Event()
        self._changed = threading.Condition()
        self._in_flight = 0

    @property
    def is_requested(self) -> bool:
        """Whether the process was asked to end."""
        return self._requested.is_set()

    def request(self) -> None:
        """Let no further call begin, and wake every thread that waits between two calls."""
        with self._changed:
            self._requested.set()

    def reset(self) -> None:
        """Take the request back: for a process that goes on, as tests do."""
        with self._changed:
            self._requested.clear()

    def check(self) -> None:
        """Raise Interrupted if the process was asked to end."""
        if self._requested.is_set():
            raise Interrupted

    def wait(self, seconds: float) -> None:
        """Pause for a number of seconds; Interrupted as soon as the process is asked to end."""
        if self._requested.wait(seconds):
            raise Interrupted

    @contextmanager
    def call(self) -> Iterator[None]:
        """Count a call as in flight until its answer is saved.

        Raises:
            Interrupted: the process was asked to end before the call began.
        """
        with self._changed:
            self.check()
            self._in_flight += 1
        try:
            yield
        finally:
            with self._changed:
                self._in_flight -= 1
                self._changed.notify_all()

    def wait_until_idle(self, seconds: float) -> bool:
        """Wait until no call is in flight; False if some still are after so many seconds."""
        end = time.monotonic() + seconds
        with self._changed:
            return self._changed.wait_for(
                lambda: self._in_flight == 0, max(0.0, end - time.monotonic())
            )


interruption = Interruption()
"""The one of this process."""
