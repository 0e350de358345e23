"""Checks before any work is done; what they read is handed to the run that follows."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from prefect.settings import get_current_settings

from image_tags.tasks.adapters.files.confinement import Confinement
from image_tags.tasks.adapters.orchestration.dask_extra import import_dask
from image_tags.tasks.adapters.store.opening import open_store
from image_tags.tasks.adapters.store.store_format import check_format
from image_tags.tasks.contracts.errors import UsageError
from image_tags.tasks.contracts.metrics import check_metrics
from image_tags.tasks.contracts.operations import OPERATIONS
from image_tags.tasks.contracts.prices import prices_for
from image_tags.tasks.contracts.records import Source
from image_tags.tasks.contracts.settings import (
    AnalysisSettings,
    Settings,
    SourceSettings,
    StoreSettings,
)
from image_tags.tasks.execution.open_files import check_open_files, raise_open_files_limit
from image_tags.tasks.execution.resources import open_analyzer
from image_tags.tasks.source.step import load_source_of

PLACES = ("source", "store", "people", "confusions", "price_list")
"""The settings that name a file, a folder or a bucket."""


@dataclass(frozen=True)
class Preflight:
    """A request that passed every check, and the source that was read for it."""

    settings: Settings
    source: Source


_passed: ContextVar[Preflight | None] = ContextVar("preflight", default=None)
"""The preflight of the flow run that this context starts: a flow's parameters cannot hold it."""


def check_run(settings: Settings) -> Preflight:
    """Check a request completely, and read its source.

    Raises:
        UsageError: see `check_request`, `check_shards`, `load_source_of` and `check_metrics`.

    """
    check_request(settings)
    check_shards(settings)
    source = load_source_of(settings.only(SourceSettings), settings.store)
    check_metrics(source.table, settings.metric, settings.effect_cluster)
    return Preflight(settings, source)


@contextmanager
def hand_over(preflight: Preflight) -> Iterator[None]:
    """Spare a flow run that starts inside the block what the preflight has done."""
    token = _passed.set(preflight)
    try:
        yield
    finally:
        _passed.reset(token)


def take_over(settings: Settings) -> Preflight | None:
    """The preflight that was handed to a run with these settings; None if there was none."""
    preflight = _passed.get()
    return preflight if preflight and preflight.settings == settings else None


def check_request(settings: Settings) -> None:
    """Check what can be checked without reading the source.

    Raises:
        UsageError: too few open files, a place that the worker may not use, an unknown operation,
            people who cannot be enrolled, a store that cannot be written or has another format, an
            unreadable price list, or an analyzer that is not installed or has no region.

    """
    check_open_files(raise_open_files_limit())
    check_confinement(settings)
    unknown = [name for name in settings.operations if name not in OPERATIONS]
    if unknown or not settings.operations:
        names = ", ".join(map(repr, unknown))
        raise UsageError(f"There is no operation {names}; there are {', '.join(OPERATIONS)}.")
    if settings.people is not None and not Path(settings.people).expanduser().is_dir():
        raise UsageError(f"The people folder {settings.people!r} does not exist.")
    if settings.runner == "dask":
        import_dask()
    store = open_store(settings.only(StoreSettings))
    store.check_writable()
    check_format(store)
    prices_for(settings)
    analyzer = open_analyzer(settings.only(AnalysisSettings), store, settings.region)
    for operation in settings.operations:
        analyzer.settings_of(operation)


def check_confinement(settings: Settings) -> None:
    """Check that the worker's environment allows every place and address that the settings name.

    Raises:
        UsageError: one is outside; see `Confinement`.

    """
    confinement = Confinement.from_environment()
    for name in PLACES:
        address = getattr(settings, name)
        if address is not None:
            confinement.check(name, address)
    confinement.check_links(settings.allow_private_addresses, settings.extra_ports)


def check_shards(settings: Settings) -> None:
    """Check that shards, if any are requested, can reach the server and the store.

    Raises:
        UsageError: Prefect's embedded server is used, or the store or the folder of people is a
            relative path.

    """
    if settings.shards > 1:
        if get_current_settings().api.url is None:
            raise UsageError(
                "--shards needs a Prefect server that its workers reach: start one "
                "(prefect server start) and set PREFECT_API_URL to its address."
            )
        check_paths(settings, ("store", "people"))


def check_paths(settings: Settings, names: Sequence[str] = ("store", "source", "people")) -> None:
    """Reject relative paths: a deployment's run starts in a temporary directory.

    Raises:
        UsageError: the store, the source or the folder of people is a relative path.

    """
    for name in names:
        path = getattr(settings, name)
        if path is not None and "://" not in path and not Path(path).expanduser().is_absolute():
            raise UsageError(
                f"A deployment's run starts in a folder of its own: give {name} {path!r} in full, "
                "as /a/path or s3://."
            )
