"""The current flow run, as Prefect's server knows it."""

import signal
from collections.abc import Callable, Collection
from contextvars import copy_context
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    TaskRunFilter,
    TaskRunFilterState,
    TaskRunFilterStateType,
)
from prefect.client.schemas.objects import State, StateType
from prefect.runtime import flow_run
from prefect.states import Cancelled, Crashed

from image_tags.tasks.adapters.orchestration.control import has_successor
from image_tags.tasks.adapters.orchestration.prefect_api import explain_server_errors

UNFINISHED = [StateType.RUNNING, StateType.PENDING]
"""States of task runs that a process which was killed can leave behind."""


def replace_tags(old: Collection[str], new: Collection[str]) -> None:
    """Remove some tags of the current flow run and add others; all the rest stay."""
    with explain_server_errors(), get_client(sync_client=True) as client:
        known = client.read_flow_run(flow_run.id)
        client.update_flow_run(known.id, tags=sorted({*known.tags} - {*old} | {*new}))


def read_first_start() -> datetime:
    """When the current flow run started first, UTC; a retry does not change it.

    Not when it was created: a schedule creates its runs in advance, weekly ones weeks before.
    """
    with explain_server_errors(), get_client(sync_client=True) as client:
        return client.read_flow_run(flow_run.id).start_time or datetime.now(UTC)


def closer_of_flow_run(message: str) -> Callable[[int], None]:
    """A function that ends the current flow run on the server, given a signal's number.

    It may be called from any thread. The run is Cancelled if a person asked for it (Ctrl-C, or
    Cancel on the server), else Crashed. Its task runs are closed last: if the time does not suffice
    for all, a retry closes the others. A run that goes on elsewhere is left alone: what is set here
    would end it there.
    """
    run_id, context = UUID(str(flow_run.id)), copy_context()

    def close(number: int) -> None:
        if has_successor():
            return
        with get_client(sync_client=True) as client:
            state = client.read_flow_run(run_id).state
            if state is not None and state.is_final():
                return
            cancelling = state is not None and state.type == StateType.CANCELLING
            by_person = number == signal.SIGINT or cancelling
            final: State[Any] = (
                Cancelled(message=message) if by_person else Crashed(message=message)
            )
            client.set_flow_run_state(run_id, final, force=True)
            _crash_task_runs(client, run_id, message)

    return lambda number: context.copy().run(close, number)


def close_left_task_runs() -> int:
    """Mark the task runs that an earlier try of the flow run left unfinished as Crashed.

    A process that is killed cannot say how its task runs ended: their bars would grow on the flow
    run's page for ever. At the start of a try, no task run of this try is there yet.

    Returns:
        How many there were.

    """
    with explain_server_errors(), get_client(sync_client=True) as client:
        message = "Its process was killed; a retry of the flow run closed it."
        return _crash_task_runs(client, UUID(str(flow_run.id)), message)


def _crash_task_runs(client: SyncPrefectClient, run_id: UUID, message: str) -> int:
    mine = FlowRunFilter(id=FlowRunFilterId(any_=[run_id]))
    unfinished = TaskRunFilter(
        state=TaskRunFilterState(type=TaskRunFilterStateType(any_=UNFINISHED))
    )
    left = client.read_task_runs(flow_run_filter=mine, task_run_filter=unfinished)
    for task_run in left:
        state: State[Any] = Crashed(message=message)
        client.set_task_run_state(task_run.id, state, force=True)
    return len(left)
