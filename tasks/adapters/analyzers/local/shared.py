"""Work that several threads share: done once, by whichever comes first."""

import functools
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Shared(Generic[K, V]):
    """The last `size` results by key.

    A second thread that asks while the first is still at work waits for its result.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._results: OrderedDict[K, Future[V]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: K, work: Callable[[], V]) -> V:
        """Return the result for `key`, from `work` if there is none yet.

        An error is raised in all waiting threads, and is not kept.
        """
        with self._lock:
            result = self._results.get(key)
            mine = result is None
            if result is None:
                result = self._results[key] = Future()
            self._results.move_to_end(key)
            while len(self._results) > self._size:
                self._results.popitem(last=False)
        if mine:
            try:
                result.set_result(work())
            except BaseException as error:  # noqa: BLE001 - handed on to every waiting thread, this one included
                result.set_exception(error)
                with self._lock:
                    if self._results.get(key) is result:
                        del self._results[key]
        return result.result()


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
