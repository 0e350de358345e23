"""Processes to be killed, forked from one that has paid for the imports already."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from image_tags.tasks.adapters.store.store import Store
from tests.support.freezing import freeze

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    [
        "boto3",
        "image_tags.tasks.adapters.ledger.settling",
        "image_tags.tasks.adapters.segments",
        "image_tags.tasks.adapters.store.opening",
        "image_tags.tasks.adapters.store.s3",
    ]
)


class Forked:
    """Runs `work(say, *args)` in a process of its own; what it says is heard here, in order.

    `work` is a function at the top of a module. It is killed at the end of the block.
    """

    def __init__(self, work: Callable[..., None], *args: Any) -> None:
        self._here, there = _CONTEXT.Pipe(duplex=False)
        given = (dict(os.environ), there, work, args)
        self._process = _CONTEXT.Process(target=_work, args=given, daemon=True)
        self._process.start()
        there.close()

    def __enter__(self) -> "Forked":
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._here.close()

    def hear(self) -> Any:
        """What it says next; None once it has ended."""
        try:
            return self._here.recv()
        except (EOFError, OSError):  # the latter in the middle of a word
            return None

    def hear_rest(self) -> Iterator[Any]:
        """All that it says until it ends."""
        return iter(self.hear, None)

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()
        self._process.join()

    def pause(self, store: Store) -> None:
        """Stop it, which uses a store, where it is until `resume`."""
        if self._process.exitcode is None and self._process.pid:
            with suppress(ProcessLookupError):
                freeze(self._process.pid, store)

    def resume(self) -> None:
        """Go on."""
        if self._process.exitcode is None and self._process.pid:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGCONT)

    def wait(self) -> int | None:
        """Its exit code, once it has ended by itself."""
        self._process.join()
        return self._process.exitcode


def _work(
    environment: Mapping[str, str], there: Connection, work: Callable[..., None], args: Any
) -> None:
    """The process whose copy this is may have started with another environment."""
    os.environ.clear()
    os.environ.update(environment)
    work(there.send, *args)
