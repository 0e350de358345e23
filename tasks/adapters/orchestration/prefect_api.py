"""The Prefect server during a step: what it only displays must neither delay nor fail the work."""

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
    """Try each request of the block once; without an answer, continue after the block."""
    try:
        with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}):
            yield
    except httpx.HTTPError as error:
        log.debug("The Prefect server does not answer: %s", error)


def discard_events() -> None:
    """Discard the events that the server did not take.

    At its end, the process would otherwise try to send each of them for ten seconds.
    """
    for service in tuple(EventsWorker._instances.values()):  # type: ignore[misc]  # all of them, whatever their kind
        with suppress(queue.Empty):
            while True:
                service._queue.get_nowait()
