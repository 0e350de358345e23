"""A Dask cluster for mapped task runs: processes on this machine, or an existing cluster.

Imported by `dask_extra.py` only, as the extra `dask` need not be installed.
"""

from collections.abc import Callable
from typing import Any

from distributed import Client, LocalCluster
from prefect_dask.task_runners import DaskTaskRunner

from image_tags.tasks.contracts.errors import StopRun
from image_tags.tasks.contracts.settings import WorkSettings

JOIN = 60.0
"""Seconds to find a cluster's scheduler and a first worker."""


class Dask:
    """A cluster for one run.

    Args:
        settings: how many processes to start, or the address of a scheduler.
        threads: task runs at the same time in a process that is started here.
        on_close: called in each of the cluster's processes at the end.

    Attributes:
        processes: among which the work is divided.

    Raises:
        StopRun: there is no cluster with workers at the address.

    """

    def __init__(self, settings: WorkSettings, threads: int, on_close: Callable[[], None]) -> None:
        self._on_close = on_close
        self._cluster: Any = None
        if settings.dask_address:
            self._address, self._security = settings.dask_address, None
        else:
            # Anyone who reaches a scheduler can run code as its user, so this one demands this
            # run's certificate, and there is no dashboard.
            self._cluster = LocalCluster(
                n_workers=settings.dask_processes,
                threads_per_worker=threads,
                dashboard_address=None,
                security=True,
            )
            self._address, self._security = self._cluster.scheduler_address, self._cluster.security
        try:
            self._client = Client(
                self._address, security=self._security, set_as_default=False, timeout=JOIN
            )
            self._client.wait_for_workers(1, timeout=JOIN)
        except (OSError, TimeoutError) as error:
            raise StopRun(
                f"There is no Dask cluster with workers at {self._address!r}: {error}."
            ) from None
        self.processes = len(self._client.scheduler_info(n_workers=-1)["workers"])

    def task_runner(self) -> DaskTaskRunner:
        """A task runner on the cluster."""
        return DaskTaskRunner(address=self._address, client_kwargs={"security": self._security})

    def close(self) -> None:
        """Call `on_close` in each process, and stop the processes that were started here."""
        self._client.run(self._on_close)
        self._client.close()
        if self._cluster:
            self._cluster.close()
