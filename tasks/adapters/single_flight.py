"""Values that are made once, however many threads ask for them at the same time.

`functools.lru_cache` lets threads that ask at the same time each compute the value.
"""

import functools
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class SingleFlight(Generic[K, V]):
    """Values by key: the first thread that asks makes the value, the others wait for it.

    No lock is held while a value is made, so making one may ask for another key.

    Args:
        size: how many values are kept, the most recently used; None keeps all.

    """

    def __init__(self, size: int | None = None) -> None:
        self._size = size
        self._results: OrderedDict[K, Future[V]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: K, make: Callable[[], V]) -> V:
        """The value for `key`, from `make` if there is none yet.

        An error is raised in every waiting thread, and is not kept.
        """
        with self._lock:
            result = self._results.get(key)
            is_mine = result is None
            if result is None:
                result = self._results[key] = Future()
            self._results.move_to_end(key)
            while self._size is not None and len(self._results) > self._size:
                self._results.popitem(last=False)
        if is_mine:
            try:
                result.set_result(make())
            except BaseException as error:  # noqa: BLE001 - raised in every waiting thread, this one included
                result.set_exception(error)
                with self._lock:
                    if self._results.get(key) is result:
                        del self._results[key]
        return result.result()

    def take(self, matches: Callable[[K], bool] = lambda _: True) -> list[V]:
        """Remove and return the values of matching keys; one that is being made is waited for."""
        with self._lock:
            keys = [key for key in self._results if matches(key)]
            results = [self._results.pop(key) for key in keys]
        return [result.result() for result in results]


def run_once(make: Callable[[], V]) -> Callable[[], V]:
    """Wrap `make` so that it runs at the first call only, however many threads call at once."""
    made: SingleFlight[None, V] = SingleFlight()

    @functools.wraps(make)
    def get() -> V:
        return made.get(None, make)

    return get
