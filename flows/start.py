"""How a run begins: its name, its clock, and a look at what was asked before anything is done."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from prefect.runtime import deployment, flow_run
from prefect.settings import get_current_settings

from image_tags.flows.signals import close_on_signal
from image_tags.tasks.adapters.files.files import short_name
from image_tags.tasks.adapters.interruption import SENTENCE
from image_tags.tasks.adapters.orchestration.dask import check_dask_installed
from image_tags.tasks.adapters.orchestration.flow_runs import (
    closer_of_flow_run,
    read_first_start,
    replace_tags,
)
from image_tags.tasks.adapters.orchestration.shard_runs import find_work_pool
from image_tags.tasks.adapters.store.opening import open_store
from image_tags.tasks.contracts.errors import UsageError
from image_tags.tasks.contracts.operations import OPERATIONS
from image_tags.tasks.contracts.prices import prices_for
from image_tags.tasks.contracts.settings import AnalysisSettings, Settings, StoreSettings
from image_tags.tasks.execution.resources import RunResources, open_analyzer
from image_tags.tasks.execution.run_folder import name_of_run, run_key, save_json
from image_tags.tasks.explain.step import clear_page


def flow_run_name() -> str:
    """What the flow run is called in the UI: its feed, and when it first started."""
    return name_for(str(flow_run.parameters["source"]), str(flow_run.name), datetime.now(UTC))


def name_for(source: str, known_as: str, now: datetime) -> str:
    """The name of a flow run; one that has such a name already, because this is a retry, keeps it.

    To the second, because a schedule and a person may start two runs in one minute.
    """
    name = feed_name(source)
    if re.fullmatch(re.escape(name) + r" \d{4}-\d\d-\d\d \d\d:\d\d:\d\d", known_as):
        return known_as
    return f"{name} {now:%Y-%m-%d %H:%M:%S}"


def feed_name(source: str) -> str:
    """The source with its folder, such as `my-bucket/feed`: many feeds have the same last part."""
    name, rest = short_name(source), source.removeprefix("s3://").rstrip("/")
    while "/" in rest and short_name(rest) == name:
        rest = rest.rpartition("/")[0]
    folder = short_name(rest) if rest else name
    return name if folder == name else f"{folder}/{name}"


def begin_run(settings: Settings) -> RunResources:
    """Clear the flow run's page, check the request, name and tag the run, keep its settings.

    Raises:
        UsageError: see `check_request`, `check_places` and `check_shards`; there is no deployment
            for shards.

    """
    close_on_signal(closer_of_flow_run(SENTENCE))
    clear_page()
    if deployment.id:
        check_places(settings)
    check_request(settings)
    check_shards(settings)
    if settings.shards > 1:
        find_work_pool(settings.shard_deployment)
    replace_tags((), {settings.analyzer, *settings.operations})
    run = name_of_run(read_first_start(), flow_run.id)
    resources = RunResources(run, settings)
    save_json(resources.store, run_key(run, "settings.json"), settings.model_dump(mode="json"))
    return resources


def check_places(settings: Settings, names: Sequence[str] = ("store", "source", "people")) -> None:
    """See that a deployment's run will find its files: it begins in a temporary folder, where what
    it made would be lost.

    Raises:
        UsageError: the store, the source or the folder of people is a relative path.

    """
    for name in names:
        place = getattr(settings, name)
        if place is not None and "://" not in place and not Path(place).expanduser().is_absolute():
            raise UsageError(
                f"A deployment's run begins in a folder of its own: give {name} {place!r} in full, as /a/path or s3://."
            )


def check_shards(settings: Settings) -> None:
    """See that shards, if there shall be any, can be reached and will find the store.

    Raises:
        UsageError: Prefect's embedded server is used, or the store or the folder of people is a
            relative path.

    """
    if settings.shards > 1:
        if get_current_settings().api.url is None:
            raise UsageError(
                "--shards needs a Prefect server that its workers reach: start one (prefect server start) and set "
                "PREFECT_API_URL to its address."
            )
        check_places(settings, ("store", "people"))


def check_request(settings: Settings) -> None:
    """Find what cannot be before any work is done.

    Raises:
        UsageError: an unknown operation, people who cannot be enrolled, a store that cannot be
            written, a price list that is none, an analyzer that is not installed or has no region.

    """
    unknown = [name for name in settings.operations if name not in OPERATIONS]
    if unknown or not settings.operations:
        raise UsageError(
            f"There is no operation {', '.join(map(repr, unknown))}; there are {', '.join(OPERATIONS)}."
        )
    if settings.people is not None and not Path(settings.people).expanduser().is_dir():
        raise UsageError(f"There is no folder of people {settings.people!r}.")
    if settings.runner == "dask":
        check_dask_installed()
    store = open_store(settings.only(StoreSettings))
    store.check_writable()
    prices_for(settings)
    analyzer = open_analyzer(settings.only(AnalysisSettings), store, settings.region)
    for operation in settings.operations:
        analyzer.settings_of(operation)
