"""Asking the analyzer: the ledger first, then the call, the response saved the moment it arrives."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tasks.adapters.analyzer import Analyzer
from tasks.adapters.ledger import Ledger
from tasks.contracts.errors import LinkError, StopRun
from tasks.contracts.reasons import Reason, Status
from tasks.contracts.records import Picture
from tasks.records import Failure


@dataclass(frozen=True)
class Outcome:
    """What one batch came to: images answered by a call, images found in the ledger meanwhile, and what failed."""

    asked: int
    found: int
    failures: list[Failure]

    @property
    def passing(self) -> list[Failure]:
        """The failures that may go away."""
        return [failure for failure in self.failures if failure.reason.status is Status.PENDING]


def ask_for(
    pictures: Sequence[Picture],
    operation: str,
    *,
    analyzer: Analyzer,
    ledger: Ledger,
    run: str,
    threads: int,
    on_done: Callable[[], None] = lambda: None,
) -> Outcome:
    """Ask one operation of each picture, a few at a time.

    A picture that fails is in the outcome; the others go on.

    Raises:
        StopRun: nothing can go on; pictures not yet begun are left alone.
    """
    stopped = threading.Event()

    def one(picture: Picture) -> bool | Failure:
        if stopped.is_set():
            return Failure(
                picture.image_id, operation, Reason.ANALYZER_UNAVAILABLE, "The run was stopped before this call."
            )
        try:
            return ledger.settle(picture, run, lambda: analyzer.answer(operation, picture)).asked
        except LinkError as error:
            return Failure(picture.image_id, operation, error.reason, error.detail)
        except StopRun:
            stopped.set()
            raise
        finally:
            on_done()

    with ThreadPoolExecutor(max_workers=max(1, min(threads, len(pictures))), thread_name_prefix=operation) as pool:
        results = list(pool.map(one, pictures))
    failures = [result for result in results if isinstance(result, Failure)]
    return Outcome(sum(result is True for result in results), sum(result is False for result in results), failures)
