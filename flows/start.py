"""How a run begins: its name, its page, its resources."""

import re
from contextlib import AbstractContextManager
from datetime import UTC, datetime

from prefect.logging import get_run_logger
from prefect.runtime import deployment, flow_run

from image_tags.flows.preflight import check_paths, check_request, check_shards, take_over
from image_tags.flows.signals import close_on_signal
from image_tags.tasks.adapters import progress
from image_tags.tasks.adapters.files.files import short_name
from image_tags.tasks.adapters.interruption import SENTENCE
from image_tags.tasks.adapters.orchestration.flow_runs import (
    close_left_task_runs,
    closer_of_flow_run,
    read_first_start,
    replace_tags,
)
from image_tags.tasks.adapters.orchestration.shard_runs import find_work_pool
from image_tags.tasks.adapters.orchestration.store_lock import hold_store
from image_tags.tasks.contracts.settings import Settings
from image_tags.tasks.execution.open_files import fit_threads, raise_open_files_limit
from image_tags.tasks.execution.resources import RunResources
from image_tags.tasks.execution.run_folder import name_of_run, save_settings
from image_tags.tasks.explain.step import clear_page


def name_flow_run() -> str:
    """The flow run's name in the UI: its feed, and when it first started."""
    return make_name(str(flow_run.parameters["source"]), str(flow_run.name), datetime.now(UTC))


def make_name(source: str, current: str, now: datetime) -> str:
    """The name of a flow run. One that has such a name already is a retry, and keeps it.

    To the second, because a schedule and a person may start two runs in one minute.
    """
    name = name_feed(source)
    if re.fullmatch(re.escape(name) + r" \d{4}-\d\d-\d\d \d\d:\d\d:\d\d", current):
        return current
    return f"{name} {now:%Y-%m-%d %H:%M:%S}"


def name_feed(source: str) -> str:
    """The source with its folder, such as `my-bucket/feed`: many feeds have the same last part."""
    name, rest = short_name(source), source.removeprefix("s3://").rstrip("/")
    while "/" in rest and short_name(rest) == name:
        rest = rest.rpartition("/")[0]
    folder = short_name(rest) if rest else name
    return name if folder == name else f"{folder}/{name}"


def keep_store(resources: RunResources) -> AbstractContextManager[None]:
    """Keep other runs off the store while the block runs.

    Raises:
        StoreBusy: another run works on it for longer than `store_wait`.

    """

    def announce(sentence: str) -> None:
        get_run_logger().warning(sentence)
        progress.print_line(sentence)

    return hold_store(resources.store, resources.run, resources.settings.store_wait, announce)


def begin_run(settings: Settings) -> RunResources:
    """Clear the flow run's page, check the request, name and tag the run, keep its settings.

    A request that passed a preflight in this process is not checked again.

    Raises:
        UsageError: see `check_request`, `check_paths` and `check_shards`; or there is no
            deployment for shards.

    """
    close_on_signal(closer_of_flow_run(SENTENCE))
    clear_page()
    close_left_task_runs()
    preflight = take_over(settings)
    if deployment.id:
        check_paths(settings)
    if preflight is None:
        check_request(settings)
        check_shards(settings)
    if settings.shards > 1:
        find_work_pool(settings.shard_deployment)
    settings = fit_threads(settings, raise_open_files_limit())
    replace_tags((), {settings.analyzer, *settings.operations})
    run = name_of_run(read_first_start(), flow_run.id)
    resources = RunResources(run, settings, preflight.source if preflight else None)
    save_settings(resources.store, run, settings)
    return resources
