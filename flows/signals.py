"""Signals end the process within seconds, whatever it is doing, and lose nothing that was paid for.

INT, TERM and HUP are noticed by a thread of their own, through the file descriptor that Python
writes to from the C handler (`signal.set_wakeup_fd`): the main thread may be inside a long call
into a library, or waiting for other threads. That thread then

1. lets no further call begin (`interruption`),
2. gives the answers in flight GRACE seconds to be saved,
3. closes the flow run on the Prefect server,
4. ends the processes that this one started, and removes files that were being written,
5. exits with 128 + the signal's number.

A second signal skips to 4. The process ends by `os._exit`: threads that wait for a slow host or for
Prefect's server would hold up an orderly end for minutes.
"""

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import psutil

from image_tags.tasks.adapters.interruption import SENTENCE, interruption
from image_tags.tasks.adapters.store.temporary_files import temporary_files

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
GRACE = 2.5
"""Seconds for answers in flight to arrive and to be saved; Rekognition takes about 0.3 s."""
CLOSING = 1.0
"""Seconds for the Prefect server to note the end."""
CHILDREN = 1.0
"""Seconds for processes that this one started to end by themselves before they are killed."""

SPARE = 16
"""Files kept open for the end: where a process has used up its limit, none could be opened then."""

CloseRun = Callable[[int], None]
"""Marks the flow run as ended on the Prefect server, given the signal's number."""


_listeners: list["Listener"] = []
"""The listener of this process, if there is one: signals concern a process, not a run."""


class Listener:
    """What a signal does while `listen` lasts."""

    def __init__(self, announce: Callable[[str], None]) -> None:
        self.close_run: CloseRun | None = None
        self.is_ending = False
        self._announce = announce
        self._second = threading.Event()
        self._spare = [os.open(os.devnull, os.O_RDONLY) for _ in range(SPARE)]

    def end_process(self, number: int) -> None:
        """Go through the steps of an orderly end; never returns."""
        self.is_ending = True
        interruption.request()
        self.close()
        try:
            self._announce(SENTENCE)
            self._wait_for_answers()
            self._close_flow_run(number)
        finally:
            end_now(number)

    def close(self) -> None:
        """Free the files that were kept for the end."""
        while self._spare:
            os.close(self._spare.pop())

    def hurry(self) -> None:
        """A second signal has come."""
        self._second.set()

    def _wait_for_answers(self) -> None:
        self._run_unless_hurried(lambda: interruption.wait_until_idle(GRACE), GRACE)

    def _close_flow_run(self, number: int) -> None:
        close = self.close_run
        if close is not None:
            self._run_unless_hurried(lambda: close(number), CLOSING)

    def _run_unless_hurried(self, work: Callable[[], object], seconds: float) -> None:
        """Do some work for at most so many seconds; a second signal goes on at once."""
        ended = threading.Event()

        def run() -> None:
            with suppress(Exception):
                work()
            ended.set()

        threading.Thread(target=run, daemon=True).start()
        for _ in range(int(seconds / 0.02) + 1):
            if self._second.is_set() or ended.wait(0.02):
                return


@contextmanager
def listen(announce: Callable[[str], None] | None = None) -> Iterator[Listener | None]:
    """End the process in an orderly way on INT, TERM and HUP while the block runs.

    Signals can only be set up in the main thread; in another one, and inside a block that listens
    already, nothing changes and None is given.

    Args:
        announce: shows the sentence to the user; by default on standard error.

    """
    if threading.current_thread() is not threading.main_thread() or _listeners:
        yield None
        return
    listener = Listener(announce or _print_sentence)
    _listeners.append(listener)
    here, there = socket.socketpair()
    here.setblocking(False)
    before = {number: signal.signal(number, leave_to_listener) for number in SIGNALS}
    waker = signal.set_wakeup_fd(here.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=_serve, args=(there, listener), daemon=True, name="signals").start()
    try:
        yield listener
    finally:
        if listener.is_ending:
            # What the run meets once it is closed on the server is no news: the process is ending.
            threading.Event().wait()
        signal.set_wakeup_fd(waker)
        for number, handler in before.items():
            signal.signal(number, handler)
        here.close()
        _listeners.remove(listener)
        listener.close()


@contextmanager
def request_on_interrupt() -> Iterator[None]:
    """Let no further call begin once an interrupt has come, in a process that lives on (Jupyter's).

    Without it, the threads of a run would finish their work before the interrupt reaches anyone.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        interruption.request()
        signal.default_int_handler(number, frame)

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        interruption.reset()


def close_on_signal(close_run: CloseRun) -> None:
    """Have a signal close this flow run on the server, if anybody listens in this process."""
    for listener in _listeners:
        listener.close_run = close_run


def end_now(number: int) -> None:
    """End this process and those that it started."""
    try:
        end_children()
        temporary_files.abandon()
    finally:
        os._exit(128 + number)


def end_children() -> None:
    """End the processes that this one started, and theirs: gently first, then by force."""
    children = psutil.Process().children(recursive=True)
    for child in children:
        with suppress(psutil.Error):
            child.terminate()
    _, alive = psutil.wait_procs(children, timeout=CHILDREN)
    for child in alive:
        with suppress(psutil.Error):
            child.kill()


def _serve(wakeups: socket.socket, listener: Listener) -> None:
    first = _next_signal(wakeups)
    if first is None:
        return
    threading.Thread(target=_hurry_on_second, args=(wakeups, listener), daemon=True).start()
    listener.end_process(first)


def _hurry_on_second(wakeups: socket.socket, listener: Listener) -> None:
    if _next_signal(wakeups) is not None:
        listener.hurry()


def _next_signal(wakeups: socket.socket) -> int | None:
    """The next of our signals; None once listening has ended. Other signals pass by."""
    while True:
        received = wakeups.recv(1)
        if not received:
            wakeups.close()
            return None
        if received[0] in SIGNALS:
            return received[0]


def leave_to_listener(number: int, frame: FrameType | None) -> None:
    """Keep Python's own handler from acting: the wake-up has reached the listener already."""


def _print_sentence(sentence: str) -> None:
    sys.stderr.write(f"\n{sentence}\n")
    sys.stderr.flush()
