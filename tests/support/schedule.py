"""Threads that take turns at marked points, in an order that a test decides: every interleaving can
be had again.
"""

import threading
from collections.abc import Callable


class Killed(BaseException):
    """The process is gone: nothing it still tries has any effect."""


class Worker:
    """One thread, which runs only when it is its turn and stops at each `step`."""

    def __init__(self, work: Callable[["Worker"], object]) -> None:
        self.killed = False
        self.done = False
        self.result: object = None
        self.error: BaseException | None = None
        self._work = work
        self._go = threading.Semaphore(0)
        self._back = threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def turn(self) -> None:
        """Let it run up to its next step, or to its end."""
        self._go.release()
        self._back.acquire()

    def step(self) -> None:
        """Called by the worker: stop here until it is our turn again."""
        if not self.killed:
            self._back.release()
            self._go.acquire()
        if self.killed:
            raise Killed

    def _run(self) -> None:
        self._go.acquire()
        try:
            self.result = self._work(self)
        except BaseException as error:
            self.error = error
        self.done = True
        self._back.release()


class Stepped:
    """A store whose every request is a step of the worker that makes it."""

    def __init__(self, store: object, worker: Worker) -> None:
        self._store = store
        self._worker = worker

    def __getattr__(self, name: str) -> object:
        request = getattr(self._store, name)

        def stepped(*args: object, **how: object) -> object:
            self._worker.step()
            return request(*args, **how)

        return stepped if callable(request) else request
