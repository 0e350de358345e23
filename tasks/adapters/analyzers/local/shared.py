"""Work that several threads share: done once, by whichever comes first."""

import functools
import threading
from collections.abc import Callable
from typing import TypeVar

V = TypeVar("V")


def run_once(make: Callable[[], V]) -> Callable[[], V]:
    """Wrap `make` so that it runs at the first call only, however many threads call at once."""
    lock = threading.Lock()
    made: list[V] = []

    @functools.wraps(make)
    def get() -> V:
        with lock:
            if not made:
                made.append(make())
        return made[0]

    return get
