"""One flow run in this process."""

import os
import re
from collections.abc import MutableMapping
from typing import Any

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.settings import get_current_settings

from image_tags.flows.embedded_server import (
    check_embedded_server,
    explain_failed_start,
    start_embedded_server,
)
from image_tags.flows.outcome import Outcome, RunFailed
from image_tags.flows.pipeline import image_tags
from image_tags.flows.preflight import Preflight, hand_over
from image_tags.tasks.adapters import progress
from image_tags.tasks.adapters.orchestration.prefect_api import discard_events
from image_tags.tasks.contracts.errors import ImageTagsError, StopRun

EMBEDDED = (
    "Prefect's embedded server is used, which takes some seconds to start; "
    "set PREFECT_API_URL to use one that keeps the run for review."
)

KEPT = "Nothing is lost; run the same command again."


def launch_run(preflight: Preflight) -> Outcome:
    """Run the flow and report how it ended, also inside a running event loop.

    Raises:
        UsageError: what was asked cannot be.
        StopRun: the run failed, or could not start; see `check_server`.

    """
    check_server()
    parameters = preflight.settings.model_dump(exclude_unset=True)
    try:
        start_embedded_server()
        with hand_over(preflight):
            state: State[Any] = image_tags(**parameters, return_state=True)
    except (httpx.HTTPError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and (reason := explain_failed_start(error)):
            raise StopRun(reason) from None
        if not isinstance(error, httpx.HTTPError) and not isinstance(
            error.__cause__, httpx.HTTPError
        ):
            raise
        discard_events()
        raise StopRun(f"{_describe_server()} no longer answers. {KEPT}") from error
    # Where an event loop runs, as in a notebook, Prefect would otherwise give a coroutine.
    outcome = state.result(raise_on_failure=False, _sync=True)  # type: ignore[call-overload]
    if isinstance(outcome, RunFailed):
        return outcome.outcome
    if isinstance(outcome, ImageTagsError):
        raise outcome
    if not isinstance(outcome, Outcome):
        raise StopRun(f"The run failed unexpectedly: {outcome!r}. {KEPT}") from outcome
    return outcome


def check_server() -> None:
    """Check that the configured Prefect server accepts us; without one, announce the embedded one.

    Raises:
        StopRun: it refuses, fails or is not there, or the embedded one cannot start.

    """
    address = get_current_settings().api.url
    if address is None:
        check_embedded_server()
        progress.print_line(EMBEDDED)
        reach_loopback_directly(os.environ)
        return
    try:
        with get_client(sync_client=True) as client:
            client.read_flows(limit=1)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        status = error.response.status_code if isinstance(error, httpx.HTTPStatusError) else None
        raise StopRun(_explain_refusal(status)) from None


def reach_loopback_directly(environment: MutableMapping[str, str]) -> None:
    """Reach this machine without a proxy, through which the embedded server never answers."""
    given = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    both = ",".join(filter(None, [given, "127.0.0.1,localhost"]))
    environment.update({"no_proxy": both, "NO_PROXY": both})
    for name in ("all_proxy", "ALL_PROXY"):
        if environment.get(name, "").startswith(
            "socks"
        ):  # httpx fails on it, even for requests that need no proxy
            del environment[name]


def _describe_server() -> str:
    address = str(get_current_settings().api.url or "this machine")
    return f"The Prefect server at {re.sub('//[^/]*@', '//', address)}"


def _explain_refusal(status: int | None) -> str:
    where = _describe_server()
    if status in (401, 403):
        return (
            f"{where} requires a login: set PREFECT_API_AUTH_STRING as on the server, "
            "or PREFECT_API_KEY for Prefect Cloud."
        )
    if status is not None:
        return f"{where} answers {status}: look at its log. {KEPT}"
    return f"{where} cannot be reached: start it, or correct or unset PREFECT_API_URL."
