"""The Prefect server while a step works: what is only shown there never holds the work up, and
never breaks it.
"""

import logging
import queue
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import httpx
from prefect.events.worker import EventsWorker
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

log = logging.getLogger(__name__)


@contextmanager
def ignore_unreachable_server() -> Iterator[None]:
    """Ask the server once; where it does not answer, the block ends there and the work goes on."""
    try:
        with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}):
            yield
    except httpx.HTTPError as error:
        log.debug("The Prefect server does not answer: %s", error)


def discard_events() -> None:
    """Forget what could not be told to the server: at its end, this process would try each event
    for ten seconds.
    """
    for service in tuple(EventsWorker._instances.values()):  # type: ignore[misc]  # all of them, whatever their kind
        with suppress(queue.Empty):
            while True:
                service._queue.get_nowait()
