"""What the tasks of one run share in one process: the store, the web client, the analyzer.

Made once, let go at the end.
"""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from image_tags.tasks.adapters.analyzers.analyzer import Analyzer
from image_tags.tasks.adapters.ledger.ledger import Ledger
from image_tags.tasks.adapters.orchestration.dask import Dask
from image_tags.tasks.adapters.orchestration.results import StoreResults
from image_tags.tasks.adapters.store.opening import open_store
from image_tags.tasks.adapters.store.store import Store
from image_tags.tasks.adapters.web import Web
from image_tags.tasks.contracts.settings import (
    AnalysisSettings,
    FetchSettings,
    Group,
    Settings,
    StoreSettings,
    WorkSettings,
)
from image_tags.tasks.execution.run_folder import begun

G = TypeVar("G", bound=Group)
T = TypeVar("T")

_lock = threading.Lock()
_made: dict[str, dict[tuple[str, Group], Any]] = {}


def part(settings: Settings, group: type[G]) -> G:
    """The settings of one group out of all."""
    return group.model_validate({name: getattr(settings, name) for name in group.model_fields})


def store_for(run: str, settings: Settings) -> Store:
    """The run's store."""
    return _once(run, "store", part(settings, StoreSettings), open_store)


def results_for(run: str, settings: Settings) -> StoreResults:
    """Where the run's task runs keep their results."""
    return _once(
        run,
        "results",
        part(settings, StoreSettings),
        lambda own: StoreResults(settings=own, run=run),
    )


def web_for(run: str, settings: Settings) -> Web:
    """The run's web client; limits by host hold for all its threads."""
    return _once(run, "web", part(settings, FetchSettings), Web)


def analyzer_for(run: str, settings: Settings) -> Analyzer:
    """The run's analyzer; rate limits hold for all its threads."""
    store = store_for(run, settings)
    return _once(
        run,
        "analyzer",
        part(settings, AnalysisSettings),
        lambda own: open_analyzer(own, store, settings.region),
    )


def ledger_for(run: str, settings: Settings, operation: str) -> Ledger:
    """The ledger of one operation under the run's settings."""
    since = answers_since(run, settings.ask_again_after)
    return Ledger.of(store_for(run, settings), analyzer_for(run, settings), operation, since)


def answers_since(run: str, ask_again_after: float | None) -> datetime | None:
    """From when on answers are good enough for a run: by its beginning, so that all its steps and
    tries agree.
    """
    return None if ask_again_after is None else begun(run) - timedelta(seconds=ask_again_after)


def dask_for(run: str, settings: Settings, threads: int) -> Dask:
    """The run's Dask cluster; each of its processes has a store, a web client and an analyzer of
    its own.
    """
    return _once(
        run,
        "dask",
        part(settings, WorkSettings),
        lambda own: Dask(own, threads, partial(let_go, run)),
    )


def open_analyzer(settings: AnalysisSettings, store: Store, region: str | None) -> Analyzer:
    """The analyzer that the settings name; models and clients are loaded when first asked."""
    if settings.analyzer == "rekognition":
        from image_tags.tasks.adapters.analyzers.rekognition import (
            Rekognition,
        )  # boto3 is slow to import

        return Rekognition(settings, store, region)
    from image_tags.tasks.adapters.analyzers.local.analyzer import LocalAnalyzer

    return LocalAnalyzer(settings, store)


def let_go(run: str) -> None:
    """Forget what the run shared and close what can be closed."""
    with _lock:
        made = _made.pop(run, {})
    for thing in made.values():
        if hasattr(thing, "close"):
            thing.close()


def _once(run: str, what: str, key: G, make: Callable[[G], T]) -> T:
    # Reentrant use (the analyzer asks for the store) happens before the lock is taken.
    with _lock:
        things = _made.setdefault(run, {})
        if (what, key) not in things:
            things[what, key] = make(key)
        found: T = things[what, key]
        return found
