"""Where mapped task runs run: threads of this process, or the processes of a Dask cluster."""

import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from image_tags.tasks.contracts.settings import Settings
from image_tags.tasks.execution.open_files import count_workers, raise_open_files_limit
from image_tags.tasks.execution.resources import RunResources

WORKERS = 16
"""Simultaneous mapped task runs per process; each has a few threads of its own."""


class Place(NamedTuple):
    """Where task runs run.

    Attributes:
        runner: a context manager that takes task runs.
        resources: for each of the processes.
        is_here: whether they run in this process.

    """

    runner: TaskRunner[Any]
    resources: RunResources
    is_here: bool

    @contextmanager
    def open(self) -> Iterator[None]:
        """Let the runner take task runs while the block runs.

        Other processes get the address of this one's server; otherwise each would start its own.
        """
        with ExitStack() as stack:
            if not self.is_here:
                client = stack.enter_context(get_client(sync_client=True))
                stack.enter_context(temporary_settings({PREFECT_API_URL: str(client.api_url)}))
            stack.enter_context(self.runner)
            yield


def choose_place(resources: RunResources) -> Place:
    """The place that the settings name. A Dask cluster is started once per run."""
    settings = resources.settings
    if settings.runner == "threads":
        workers = count_workers(raise_open_files_limit(), WORKERS)
        return Place(ThreadPoolTaskRunner(max_workers=workers), resources, is_here=True)
    cluster = resources.dask(WORKERS)
    own = RunResources(resources.run, divide_settings(settings, cluster.processes))
    return Place(cluster.task_runner(), own, is_here=False)


def divide_settings(settings: Settings, of: int) -> Settings:
    """The settings of one of `of` simultaneous processes: its share of every rate and cap."""
    shares = {
        "rate_share": settings.rate_share / of,
        "fetch_threads": math.ceil(settings.fetch_threads / of),
        # At least one request per host, or a process could fetch nothing from it.
        "per_host": max(1, settings.per_host // of),
        "analyzer_threads": settings.analyzer_threads and math.ceil(settings.analyzer_threads / of),
    }
    return settings.model_copy(update=shares)
