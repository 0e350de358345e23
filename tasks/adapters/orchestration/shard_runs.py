"""Flow runs of the shard deployment, as Prefect's server knows them."""

import logging
from collections.abc import Collection, Iterable, Mapping
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterParentFlowRunId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import TERMINAL_STATES, FlowRun, State
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelling

from image_tags.tasks.adapters.orchestration.prefect_api import explain_server_errors
from image_tags.tasks.contracts.errors import UsageError

log = logging.getLogger(__name__)


def find_work_pool(deployment: str) -> str:
    """The work pool of a deployment (`flow/deployment`).

    Raises:
        UsageError: there is no such deployment, or it has no work pool.

    """
    deploy = "deploy it with `prefect --no-prompt deploy --all` next to prefect.yaml"
    with explain_server_errors():
        try:
            with get_client(sync_client=True) as client:
                pool = client.read_deployment_by_name(deployment).work_pool_name
        except ObjectNotFound:
            raise UsageError(
                f"There is no deployment {deployment!r} for shards: {deploy}."
            ) from None
        except ValueError:
            raise UsageError(
                f"--shard-deployment must have the form flow/deployment, not {deployment!r}."
            ) from None
    if pool is None:
        raise UsageError(f"The deployment {deployment!r} has no work pool: {deploy}.")
    return pool


def start_shard(deployment: str, name: str, parameters: Mapping[str, Any]) -> FlowRun:
    """Start a run of the deployment, as a child of the current flow run."""
    with explain_server_errors():
        # Not a coroutine, because the calling flow is a plain function.
        return run_deployment(  # type: ignore[return-value]
            deployment, parameters=dict(parameters), flow_run_name=name, timeout=0, as_subflow=True
        )


def read_states(ids: Collection[UUID]) -> dict[UUID, State[Any]] | None:
    """The states of flow runs, without those that were deleted; None without an answer."""
    try:
        with get_client(sync_client=True) as client:
            found = client.read_flow_runs(
                flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=list(ids)))
            )
    except httpx.HTTPError:
        return None
    return {run.id: run.state for run in found if run.state}


def find_unfinished(parent: UUID | str) -> list[UUID]:
    """The children of a flow run that have not ended."""
    over = FlowRunFilterState(type=FlowRunFilterStateType(not_any_=sorted(TERMINAL_STATES)))
    mine = FlowRunFilter(
        parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[UUID(str(parent))]), state=over
    )
    with explain_server_errors(), get_client(sync_client=True) as client:
        return [run.id for run in client.read_flow_runs(flow_run_filter=mine)]


def cancel_shards(ids: Iterable[UUID]) -> None:
    """Cancel flow runs: one that waits ends at once, one at work is ended by its worker."""
    for flow_run_id in ids:
        _set_state(flow_run_id, Cancelling(), force=False)


def force_state(flow_run_id: UUID, state: State[Any]) -> None:
    """Set the state of a flow run that cannot do so itself any more."""
    _set_state(flow_run_id, state, force=True)


def _set_state(flow_run_id: UUID, state: State[Any], force: bool) -> None:
    try:
        with get_client(sync_client=True) as client:
            client.set_flow_run_state(flow_run_id, state, force=force)
    except (httpx.HTTPError, ObjectNotFound) as error:
        # Its work is saved meanwhile, and not paid for again.
        log.warning("The state of shard %s could not be set: %s", flow_run_id, error)
