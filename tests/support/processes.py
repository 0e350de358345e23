"""Processes and ports for tests."""

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable

from tests.support.forked_python import Program


def free_port() -> int:
    """A port on loopback that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def until(
    true: Callable[[], bool],
    seconds: float,
    otherwise: Callable[[], str] = lambda: "it never became true",
) -> None:
    """Wait for something to become true, looking often; AssertionError after so many seconds."""
    pause, end = threading.Event(), time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise AssertionError(otherwise())
        pause.wait(0.1)


def act_once(true: Callable[[], bool], act: Callable[[], None], seconds: float = 30) -> None:
    """Act as soon as something becomes true, while the caller goes on; also if it never does."""

    def wait_and_act() -> None:
        with contextlib.suppress(AssertionError):
            until(true, seconds)
        act()

    threading.Thread(target=wait_and_act, daemon=True).start()


def stop(process: Program) -> None:
    """Kill a process that was started in a session of its own, and all its children."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(20)
