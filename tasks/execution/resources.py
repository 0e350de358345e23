"""What the steps of one run share in one process: store, web client, analyzer, ledgers, clock."""

from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from image_tags.tasks.adapters.analyzers.analyzer import Analyzer
from image_tags.tasks.adapters.analyzers.local.analyzer import LocalAnalyzer
from image_tags.tasks.adapters.ledger.ledger import Ledger
from image_tags.tasks.adapters.link_records import LinkLog
from image_tags.tasks.adapters.orchestration.dask_extra import import_dask
from image_tags.tasks.adapters.orchestration.results import StoreResults
from image_tags.tasks.adapters.retries.tally import Tally
from image_tags.tasks.adapters.segments import CommitFailures
from image_tags.tasks.adapters.single_flight import SingleFlight
from image_tags.tasks.adapters.store.opening import open_store
from image_tags.tasks.adapters.store.store import Store
from image_tags.tasks.adapters.web import Web
from image_tags.tasks.contracts.records import Source
from image_tags.tasks.contracts.settings import (
    AnalysisSettings,
    FetchSettings,
    Settings,
    StoreSettings,
    WorkSettings,
)
from image_tags.tasks.execution.clock import Clock
from image_tags.tasks.execution.run_folder import first_start

if TYPE_CHECKING:
    from image_tags.tasks.adapters.orchestration.dask import Dask

T = TypeVar("T")


class RunResources:
    """What the steps of a run share. Each resource is made on first use and closed with the run.

    It travels to another process as the run's name and its settings, and is opened there once for
    all task runs of that process.

    Args:
        run: the run's name.
        settings: all settings of the run.
        source: the source, if it has been read before the run began.

    Attributes:
        run: the run's name.
        settings: all settings of the run.
        clock: when the run began, and how long each step took.
        tally: retries, throttled requests and slow hosts of this process.

    """

    def __init__(self, run: str, settings: Settings, source: Source | None = None) -> None:
        self._source = source
        self.run = run
        self.settings = settings
        self.clock = Clock()
        self.tally = Tally()
        self._commit_failures = CommitFailures()
        self._made: SingleFlight[str, Any] = SingleFlight()
        self._closing = ExitStack()

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel as run and settings; a connection or a model cannot."""
        return _open_here, (self.run, self.settings)

    def __enter__(self) -> "RunResources":
        """Close the resources when the block ends."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the resources."""
        self.close()

    @property
    def store(self) -> Store:
        """The run's store."""
        return self._once("store", lambda: open_store(self.settings.only(StoreSettings)))

    @property
    def results(self) -> StoreResults:
        """Where task runs keep their results."""
        settings = self.settings.only(StoreSettings)
        return self._once("results", lambda: StoreResults(settings=settings, run=self.run))

    @property
    def web(self) -> Web:
        """The web client; its limits per host hold for all threads of this process."""
        return self._once("web", lambda: Web(self.settings.only(FetchSettings), tally=self.tally))

    @property
    def link_log(self) -> LinkLog:
        """What is known of links; read once, and written to while links are fetched."""
        interval = self.settings.commit_interval
        return self._once("link_log", lambda: LinkLog(self.store, interval))

    @property
    def analyzer(self) -> Analyzer:
        """The analyzer; its rate limits hold for all threads of this process."""
        settings = self.settings.only(AnalysisSettings)
        return self._once(
            "analyzer",
            lambda: open_analyzer(settings, self.store, self.settings.region, self.tally),
        )

    def ledger(self, operation: str) -> Ledger:
        """The ledger of one operation: one for all threads, so that answers are saved together."""
        since = answers_since(self.run, self.settings.ask_again_after)
        interval = self.settings.commit_interval
        return self._once(
            f"ledger {operation}",
            lambda: Ledger.of(
                self.store, self.analyzer, operation, since, interval, self._commit_failures
            ),
        )

    @property
    def ledgers(self) -> dict[str, Ledger]:
        """The ledgers of all operations."""
        return {operation: self.ledger(operation) for operation in self.settings.operations}

    def take_source(self) -> Source | None:
        """The source if it has been read already. It is handed out once, to free its memory."""
        source, self._source = self._source, None
        return source

    def dask(self, threads: int) -> "Dask":
        """The run's Dask cluster; each of its processes opens resources of its own."""
        settings, on_close = self.settings.only(WorkSettings), partial(close_here, self.run)
        return self._once("dask", lambda: import_dask()(settings, threads, on_close))

    def close(self) -> None:
        """Close what was made, the latest first."""
        self._made.take()
        self._closing.pop_all().close()

    def _once(self, name: str, make: Callable[[], T]) -> T:
        def make_and_register() -> T:
            made = make()
            if hasattr(made, "close"):
                self._closing.callback(made.close)
            return made

        return cast("T", self._made.get(name, make_and_register))


def open_analyzer(
    settings: AnalysisSettings, store: Store, region: str | None, tally: Tally | None = None
) -> Analyzer:
    """The analyzer that the settings name; models and clients are loaded when first asked."""
    if settings.analyzer == "rekognition":
        # boto3 takes 0.4 s to import: not for runs with local models and a folder.
        from image_tags.tasks.adapters.analyzers.rekognition import Rekognition

        return Rekognition(settings, store, region, tally=tally)
    return LocalAnalyzer(settings, store)


def answers_since(run: str, ask_again_after: float | None) -> datetime | None:
    """The oldest answer that a run reuses: counted from its beginning, so that all tries agree."""
    return (
        None if ask_again_after is None else first_start(run) - timedelta(seconds=ask_again_after)
    )


_opened: SingleFlight[tuple[str, Settings], RunResources] = SingleFlight()
"""Resources that came here from another process: unpickling has no other place to look for them."""


def _open_here(run: str, settings: Settings) -> RunResources:
    return _opened.get((run, settings), partial(RunResources, run, settings))


def close_here(run: str) -> None:
    """Close a run's resources in a process that they came to."""
    for resources in _opened.take(lambda key: key[0] == run):
        resources.close()
