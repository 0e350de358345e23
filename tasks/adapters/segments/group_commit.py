"""Group commit: entries that arrive close together become durable in one write."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from image_tags.tasks.contracts.errors import StopRun

Row = dict[str, Any]

SLOW = 1.0
"""Seconds after which a commit is taken to have met an outage."""


class CommitFailures:
    """Why the latest commits of some logs were given up.

    Shared by logs that are paid for at the same time: what the store does not take from one of
    them, it would not take from the others.
    """

    def __init__(self) -> None:
        self._by_log: dict[str, StopRun] = {}

    def note(self, log: str, failure: StopRun | None) -> None:
        """Note how the latest commit of a log ended."""
        if failure is None:
            self._by_log.pop(log, None)
        else:
            self._by_log[log] = failure

    def check(self) -> None:
        """Raise StopRun if the latest commit of any log was given up."""
        for failure in list(self._by_log.values()):
            raise failure


class GroupCommit:
    """Collects rows and commits them together, one commit at a time, in a thread of its own.

    All methods may be called from many threads.
    """

    def __init__(
        self,
        commit: Callable[[list[Row]], None],
        interval: float | None,
        *,
        name: str = "commit",
        failures: CommitFailures | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing waits yet.

        Args:
            commit: makes rows durable; what it raises reaches everybody who waits for one of them.
            interval: least seconds between the starts of two commits; None commits each row in the
                thread that adds it.
            name: of the thread; no other that shares `failures` has it.
            failures: of all whose callers pay while it commits; by default its own.
            clock: seconds, never turned back.

        """
        self._commit = commit
        self._interval = interval
        self._name = name
        self._clock = clock
        self._changed = threading.Condition()
        self._waiting: list[tuple[Row, Future[None]]] = []
        self._thread: threading.Thread | None = None
        self._closing = False
        self._last = float("-inf")
        self._begun: float | None = None
        self._failures = failures or CommitFailures()

    def wait_for_outage(self) -> None:
        """Wait while a commit takes longer than SLOW seconds.

        For callers that pay for what they add: during an outage, more and more of it would be
        held in memory only.

        Raises:
            StopRun: the latest commit was given up, here or by one that shares its failures.

        """
        with self._changed:
            self._changed.wait_for(
                lambda: self._begun is None or self._clock() - self._begun < SLOW
            )
            self._failures.check()

    def add(self, row: Row) -> Future[None]:
        """A future that is done once the row is durable."""
        future: Future[None] = Future()
        if self._interval is None:
            self._commit_together([(row, future)])
            return future
        with self._changed:
            self._waiting.append((row, future))
            self._closing = False
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
            self._changed.notify_all()
        return future

    def close(self) -> None:
        """Commit what waits at once; more can be added later."""
        with self._changed:
            thread = self._thread
            self._closing = True
            self._changed.notify_all()
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        while group := self._next_group():
            self._commit_together(group)

    def _next_group(self) -> list[tuple[Row, Future[None]]]:
        """The rows of the next commit, once it is due; none when the group commit was closed."""
        assert self._interval is not None  # noqa: S101 - a thread runs only where there is one
        with self._changed:
            while True:
                due = self._last + self._interval - self._clock()
                if self._waiting and (self._closing or due <= 0):
                    break
                if self._closing and not self._waiting:
                    self._thread = None
                    return []
                self._changed.wait(due if self._waiting else None)
            group, self._waiting = self._waiting, []
            self._last = self._clock()
            return group

    def _commit_together(self, group: list[tuple[Row, Future[None]]]) -> None:
        failure: BaseException | None = None
        self._begun = self._clock()
        try:
            self._commit([row for row, _ in group])
        except BaseException as error:  # noqa: BLE001 - it reaches those who wait
            failure = error
        with self._changed:
            self._begun = None
            self._failures.note(self._name, failure if isinstance(failure, StopRun) else None)
            self._changed.notify_all()
        for _, future in group:
            if failure:
                future.set_exception(failure)
            else:
                future.set_result(None)
