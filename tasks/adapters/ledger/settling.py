"""Settling many images: each partition is claimed, asked for and released by itself.

The caller's thread claims and reports, a pool of threads asks. Only the end of a partition waits
for answers to become durable, and no partition that another process holds is waited for while there
is another one to ask for: so two runs on one store never wait for each other longer than it takes
to ask for the partitions that both need.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from image_tags.tasks.adapters.ledger.holds import Hold
from image_tags.tasks.adapters.ledger.ledger import AskAgain, Ledger
from image_tags.tasks.adapters.ledger.partitions import group_by_partition
from image_tags.tasks.contracts.errors import LinkError
from image_tags.tasks.contracts.records import Answer, Picture

FIRST_WAIT, LONGEST_WAIT = 0.1, 5.0
"""Seconds between two looks at partitions that another process holds, at first and at most."""

Settled = bool | LinkError
"""Whether the analyzer was asked; or why the image has no answer."""


@dataclass
class _Group:
    """The images of one partition that are being asked for."""

    hold: Hold
    open: int
    again: list[Picture] = field(default_factory=list)


@dataclass(frozen=True)
class _Event:
    """An image was taken from the queue; if `result` is there, it has one."""

    group: _Group
    picture: Picture
    result: Settled | BaseException | None = None


class Settling:
    """One batch of images on its way into a ledger. Used once."""

    def __init__(
        self,
        ledger: Ledger,
        run: str,
        ask: Callable[[Picture], Answer],
        threads: int,
        report: Callable[[Picture, Settled], None],
        *,
        wait: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing is asked yet.

        Args:
            ledger: where the answers go.
            run: who asks.
            ask: asks the analyzer for one image, in one of several threads.
            threads: how many.
            report: called in the caller's thread when an image has an answer that is durable, or
                an error for it alone.
            wait: pauses for so many seconds.
            clock: seconds, never turned back.

        """
        self._ledger = ledger
        self._run = run
        self._ask = ask
        self._threads = threads
        self._report = report
        self._wait = wait
        self._events: SimpleQueue[_Event] = SimpleQueue()
        self._open = 0
        self._queued = 0
        self._clock = clock
        self._pause = FIRST_WAIT
        self._next_look = float("-inf")
        self._waiting: deque[tuple[str, list[Picture]]] = deque()
        self._error: BaseException | None = None

    def settle(self, pictures: Sequence[Picture]) -> None:
        """Settle each of the pictures, or report why not.

        Raises:
            StopRun: nothing can go on. Images that were not begun are left alone.

        """
        self._waiting.extend(group_by_partition(pictures).items())
        with ThreadPoolExecutor(self._threads, thread_name_prefix=self._ledger.operation) as pool:
            while self._open or (self._waiting and self._error is None):
                try:
                    self._start_next(pool)
                    self._handle_events()
                except BaseException as error:  # noqa: BLE001 - raised once all calls have ended
                    self._error = self._error or error
        if self._error is not None:
            raise self._error

    @property
    def _may_start(self) -> bool:
        return bool(self._waiting) and self._queued < self._threads and self._error is None

    def _start_next(self, pool: ThreadPoolExecutor) -> None:
        """Ask for the next partition that can be held, if it is time to look for one."""
        if not self._may_start or self._clock() < self._next_look:
            return
        for _ in range(len(self._waiting)):
            partition, pictures = self._waiting.popleft()
            if hold := self._ledger.acquire(partition, self._run):
                self._pause = FIRST_WAIT
                self._start(pool, hold, pictures)
                return
            self._waiting.append((partition, pictures))
        self._next_look = self._clock() + self._pause
        self._pause = min(self._pause * 1.5, LONGEST_WAIT)

    def _start(self, pool: ThreadPoolExecutor, hold: Hold, pictures: list[Picture]) -> None:
        group = _Group(hold, len(pictures))
        known = self._ledger.find_known([picture.image_id for picture in pictures])
        self._open += len(pictures)
        self._queued += len(pictures)
        for picture in pictures:
            if picture.image_id in known:
                self._events.put(_Event(group, picture))
                self._events.put(_Event(group, picture, False))
            else:
                pool.submit(self._ask_one, group, picture)

    def _ask_one(self, group: _Group, picture: Picture) -> None:
        """In a thread of the pool."""
        self._events.put(_Event(group, picture))
        if self._error is not None:
            self._events.put(_Event(group, picture, AskAgain("The run was stopped.")))
            return
        try:
            asking = self._ledger.start(group.hold, picture, self._run, lambda: self._ask(picture))
        except BaseException as error:  # noqa: BLE001 - raised in the caller's thread
            if not isinstance(error, LinkError):
                self._error = self._error or error  # at once, before this thread goes on
            self._events.put(_Event(group, picture, error))
            return
        if asking is None:
            self._events.put(_Event(group, picture, AskAgain("The claim was lost.")))
        else:
            asking.add_done_callback(lambda done: self._put_result(group, picture, done))

    def _put_result(self, group: _Group, picture: Picture, done: Future[bool]) -> None:
        self._events.put(_Event(group, picture, done.exception() or done.result()))

    def _handle_events(self) -> None:
        """Handle what has happened; wait for the next event, or until it is time to look again."""
        pause = max(0.0, self._next_look - self._clock()) if self._may_start else None
        if not self._open:
            if pause:
                self._wait(pause)
            return
        try:
            self._handle(self._events.get(timeout=pause))
            while True:
                self._handle(self._events.get_nowait())
        except Empty:
            pass

    def _handle(self, event: _Event) -> None:
        if event.result is None:
            self._queued -= 1
            return
        group, result = event.group, event.result
        self._open -= 1
        group.open -= 1
        if isinstance(result, AskAgain):
            group.again.append(event.picture)
        elif isinstance(result, BaseException) and not isinstance(result, LinkError):
            self._error = self._error or result
        try:
            if isinstance(result, bool | LinkError):
                self._report(event.picture, result)
        finally:
            if not group.open:
                self._ledger.release(group.hold)
                if group.again:
                    self._waiting.append((group.hold.partition, group.again))
