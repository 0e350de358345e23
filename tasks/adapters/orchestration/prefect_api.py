"""The Prefect server during a step: what it only displays must neither delay nor fail the work."""

import logging
import queue
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import httpx
from prefect.context import SettingsContext, get_settings_context
from prefect.events.worker import EventsWorker
from prefect.exceptions import PrefectException

from image_tags.tasks.contracts.errors import StopRun

log = logging.getLogger(__name__)


class ServerUnreachable(StopRun):
    """The Prefect server does not answer, or refuses a request."""


@contextmanager
def explain_server_errors() -> Iterator[None]:
    """Ask the server in the block.

    Raises:
        ServerUnreachable: it does not answer, not even after the client's retries, or refuses.

    """
    try:
        yield
    except (httpx.HTTPError, PrefectException) as error:
        what = " ".join(str(error).split())[:200] or type(error).__name__
        raise ServerUnreachable(
            f"The Prefect server did not do what was asked ({what}): check that it runs and that "
            "PREFECT_API_URL names it, and run again."
        ) from None


@contextmanager
def ignore_unreachable_server() -> Iterator[None]:
    """Try each request of the block once; without an answer, continue after the block."""
    try:
        with _single_tries():
            yield
    except httpx.HTTPError as error:
        log.debug("The Prefect server does not answer: %s", error)


@contextmanager
def _single_tries() -> Iterator[None]:
    """PREFECT_CLIENT_MAX_RETRIES=0 in the block.

    `temporary_settings` would make all of Prefect's settings anew from the environment, which takes
    a tenth of a second of CPU time; this is done for every update of a progress artifact.
    """
    now = get_settings_context()
    client = now.settings.client.model_copy(update={"max_retries": 0})
    settings = now.settings.model_copy(update={"client": client})
    with SettingsContext(profile=now.profile, settings=settings):
        yield


def discard_events() -> None:
    """Discard the events that the server did not take.

    At its end, the process would otherwise try to send each of them for ten seconds.
    """
    for service in tuple(EventsWorker._instances.values()):  # type: ignore[misc]  # all of them, whatever their kind
        with suppress(queue.Empty):
            while True:
                service._queue.get_nowait()
