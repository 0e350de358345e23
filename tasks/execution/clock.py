"""How long each step of a run takes."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime


def current_time() -> str:
    """Now, as ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass
class Clock:
    """When a run began (ISO 8601, UTC), and the seconds that each step took."""

    started: str = field(default_factory=current_time)
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def measure(self, step: str) -> Iterator[None]:
        """Add the time that the block takes to the step's."""
        started = time.monotonic()
        try:
            yield
        finally:
            elapsed = time.monotonic() - started
            self.seconds[step] = round(self.seconds.get(step, 0.0) + elapsed, 3)
