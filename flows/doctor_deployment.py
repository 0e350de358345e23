"""Checks of one deployment: what is wrong with it shows here before its next run fails."""

import difflib
from collections.abc import Iterator

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import WorkerFilter
from prefect.client.schemas.objects import WorkerStatus
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import ObjectNotFound

from image_tags.flows.cli_options import read_keywords
from image_tags.flows.doctor import run_doctor
from image_tags.flows.doctor_checks import Check, make_failure
from image_tags.flows.launch import check_server
from image_tags.flows.preflight import check_paths
from image_tags.tasks.contracts.display import counted
from image_tags.tasks.contracts.errors import ImageTagsError, UsageError
from image_tags.tasks.contracts.settings import AnalysisSettings, Settings, StoreSettings
from image_tags.tasks.source.step import load_source_of

FLOW = "image-tags"
"""The flow of a deployment whose name is given without one."""


def check_deployment(name: str, *, spend: bool = False) -> Iterator[Check]:
    """Check a deployment in the environment of its worker, in the order of first use.

    Args:
        name: `image-tags/hourly`, or `hourly`.
        spend: see `run_doctor`.

    """
    try:
        check_server()
    except ImageTagsError as error:
        yield make_failure("server", error)
        return
    with get_client(sync_client=True) as client:
        yield Check("server", True, f"{client.api_url} answers")
        deployment = _find_deployment(client, name)
        if isinstance(deployment, Check):
            yield deployment
            return
        yield _check_schedules(deployment)
        yield from _check_pool(client, deployment)
    try:
        settings = read_keywords(deployment.parameters)
        check_paths(settings)
    except UsageError as error:
        fix = "correct the parameter in prefect.yaml and deploy again"
        yield make_failure("parameters", UsageError(f"{str(error).rstrip('.')}: {fix}."))
        return
    yield Check("parameters", True, f"{counted(len(deployment.parameters), 'parameter')} valid")
    yield _check_source(settings)
    yield from run_doctor(
        settings.only(StoreSettings), settings.only(AnalysisSettings), spend=spend
    )


def _find_deployment(client: SyncPrefectClient, name: str) -> DeploymentResponse | Check:
    full = name if "/" in name else f"{FLOW}/{name}"
    try:
        return client.read_deployment_by_name(full)
    except (ObjectNotFound, ValueError):
        known = [deployment.name for deployment in client.read_deployments()]
        close = difflib.get_close_matches(full.partition("/")[2], known, n=1)
        hint = f"Did you mean {close[0]}?" if close else f"There are {', '.join(known) or 'none'}."
        fix = f"{hint} `prefect --no-prompt deploy --all` next to prefect.yaml makes them."
        return Check("deployment", False, f"there is no deployment {full!r}", fix)


def _check_schedules(deployment: DeploymentResponse) -> Check:
    limit = deployment.global_concurrency_limit
    options = deployment.concurrency_options
    rule = f", {options.collision_strategy.value} above that" if limit and options else ""
    runs = f"{counted(limit.limit, 'run')} at a time{rule}" if limit else "no limit of runs"
    active = sum(schedule.active for schedule in deployment.schedules)
    if deployment.paused or (deployment.schedules and not active):
        fix = (
            "Resume it when it should run: its switch in the UI, or `prefect deployment schedule`."
        )
        return Check("deployment", None, f"{runs}; its schedules are paused", fix)
    return Check("deployment", True, f"{runs}; {counted(active, 'active schedule')}")


def _check_pool(client: SyncPrefectClient, deployment: DeploymentResponse) -> Iterator[Check]:
    name = deployment.work_pool_name
    start = f"Start one: `prefect worker start --pool {name}`."
    if name is None:
        yield Check("work pool", False, "the deployment has none", "Name one in prefect.yaml.")
        return
    pool = client.read_work_pool(name)
    limit = "no limit" if pool.concurrency_limit is None else f"limit {pool.concurrency_limit}"
    if pool.is_paused:
        fix = f"`prefect work-pool resume {name}`."
        yield Check("work pool", False, f"{name} ({pool.type}, {limit}) is paused", fix)
    elif pool.concurrency_limit == 0:
        fix = f"`prefect work-pool set-concurrency-limit {name} 1`, or clear it."
        yield Check("work pool", False, f"{name} ({pool.type}) has the limit 0", fix)
    else:
        yield Check("work pool", True, f"{name} ({pool.type}, {limit})")
    workers = client.read_workers_for_work_pool(name, worker_filter=WorkerFilter())
    online = sum(worker.status == WorkerStatus.ONLINE for worker in workers)
    if online:
        yield Check("worker", True, f"{counted(online, 'worker')} online")
    else:
        yield Check("worker", False, f"none of {name} is online", start)


def _check_source(settings: Settings) -> Check:
    try:
        source = load_source_of(settings, settings.store)
    except ImageTagsError as error:
        return make_failure("source", error)
    rows = counted(source.table.num_rows, "row")
    return Check("source", True, f"{settings.source}: {rows}, links in {source.url_column!r}")
