"""How a run begins: its name, its page, its resources."""

import re
from datetime import UTC, datetime

from prefect.client.orchestration import get_client
from prefect.runtime import deployment, flow_run

from image_tags.flows.preflight import check_paths, check_request, check_shards, take_over
from image_tags.tasks.adapters.files.files import short_name
from image_tags.tasks.adapters.orchestration.shard_runs import find_work_pool
from image_tags.tasks.contracts.settings import Settings
from image_tags.tasks.execution.resources import RunResources
from image_tags.tasks.execution.run_folder import name_of_run, save_settings
from image_tags.tasks.explain.step import clear_page


def name_flow_run() -> str:
    """The flow run's name in the UI: the source, and when it ran first; a retry keeps the name."""
    return make_name(str(flow_run.parameters["source"]), str(flow_run.name), datetime.now(UTC))


def make_name(source: str, current: str, now: datetime) -> str:
    """The name of a flow run. One that has such a name already is a retry, and keeps it."""
    name = short_name(source)
    if re.fullmatch(re.escape(name) + r" \d{4}-\d\d-\d\d \d\d:\d\d", current):
        return current
    return f"{name} {now:%Y-%m-%d %H:%M}"


def begin_run(settings: Settings) -> RunResources:
    """Clear the flow run's page, check the request, name and tag the run, keep its settings.

    A request that passed a preflight in this process is not checked again.

    Raises:
        UsageError: see `check_request`, `check_paths` and `check_shards`; or there is no
            deployment for shards.

    """
    clear_page()
    preflight = take_over(settings)
    if deployment.id:
        check_paths(settings)
    if preflight is None:
        check_request(settings)
        check_shards(settings)
    if settings.shards > 1:
        find_work_pool(settings.shard_deployment)
    with get_client(sync_client=True) as client:
        known = client.read_flow_run(flow_run.id)
        tags = {*known.tags, settings.analyzer, *settings.operations}
        client.update_flow_run(known.id, tags=tags)
    run = name_of_run(known.created or datetime.now(UTC), flow_run.id)
    resources = RunResources(run, settings, preflight.source if preflight else None)
    save_settings(resources.store, run, settings)
    return resources
