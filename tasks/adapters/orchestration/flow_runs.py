"""The current flow run, as Prefect's server knows it."""

from collections.abc import Collection
from datetime import UTC, datetime

from prefect.client.orchestration import get_client
from prefect.runtime import flow_run


def replace_tags(old: Collection[str], new: Collection[str]) -> None:
    """Remove some tags of the current flow run and add others; all the rest stay."""
    with get_client(sync_client=True) as client:
        known = client.read_flow_run(flow_run.id)
        client.update_flow_run(known.id, tags=sorted({*known.tags} - {*old} | {*new}))


def read_first_start() -> datetime:
    """When the current flow run started first, UTC; a retry does not change it.

    Not when it was created: a schedule creates its runs in advance, weekly ones weeks before.
    """
    with get_client(sync_client=True) as client:
        return client.read_flow_run(flow_run.id).start_time or datetime.now(UTC)
