"""One flow run in this process."""

from typing import Any

from prefect.client.schemas.objects import State
from prefect.settings import get_current_settings

from flows.finish import Outcome, Undone
from flows.image_tags import image_tags
from tasks.adapters import progress
from tasks.contracts.errors import ImageTagsError, StopRun
from tasks.contracts.settings import Settings

EMBEDDED = (
    "Prefect's embedded server is used, which takes some seconds to start; "
    "set PREFECT_API_URL to use one that keeps the run for review."
)


def launch(settings: Settings) -> Outcome:
    """Run the flow and say how it ended, also inside a running event loop.

    Raises:
        UsageError: what was asked cannot be.
        StopRun: the run broke off.

    """
    if get_current_settings().api.url is None:
        progress.say(EMBEDDED)
    state: State[Any] = image_tags(**settings.model_dump(exclude_unset=True), return_state=True)
    # Where an event loop runs, as in a notebook, Prefect would otherwise give a coroutine.
    outcome = state.result(raise_on_failure=False, _sync=True)  # type: ignore[call-overload]
    if isinstance(outcome, Undone):
        return outcome.outcome
    if isinstance(outcome, ImageTagsError):
        raise outcome
    if not isinstance(outcome, Outcome):
        raise StopRun(f"The run broke off: {outcome!r}. Nothing is lost; run the same again.") from outcome
    return outcome
