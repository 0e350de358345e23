"""One mapped step: its task runs are begun as batches come, and counted as they end."""

import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from queue import SimpleQueue
from types import TracebackType
from typing import Any

from prefect import Task, unmapped
from prefect.futures import wait
from prefect.tasks import exponential_backoff

from image_tags.tasks.adapters import progress
from image_tags.tasks.adapters.orchestration.results import ResultSerializer
from image_tags.tasks.contracts.errors import StopRun
from image_tags.tasks.contracts.records import BatchDone
from image_tags.tasks.execution.batches import Batch
from image_tags.tasks.execution.live_progress import Live, show_live_progress
from image_tags.tasks.execution.resources import RunResources
from image_tags.tasks.execution.step_log import log_step
from image_tags.tasks.execution.tallies import save_tally
from image_tags.tasks.execution.task_runners import choose_place

Ended = SimpleQueue[tuple["StepRun", Any]]
"""Where steps put each of their task runs that has ended, with themselves."""


class StepRun:
    """The task runs of one step in this process, or in those of its Dask cluster.

    All methods are called by one thread. When the block ends, all task runs have ended.

    Args:
        step: the task.
        resources: of the run.
        ended: gets each task run that has ended; the caller hands it back to `take`.
        expects_more: whether batches come while others run, so that no total is known.

    Attributes:
        stopped: why nothing can go on, once one of the task runs, or the caller, found so.

    """

    def __init__(
        self,
        step: Task[..., Any],
        resources: RunResources,
        ended: Ended,
        *,
        expects_more: bool = False,
    ) -> None:
        settings = resources.settings
        self._name = step.name
        self._resources = resources
        self._ended = ended
        self._expects_more = expects_more
        self._task = step.with_options(
            retries=settings.task_retries,
            retry_delay_seconds=exponential_backoff(settings.task_retry_delay),
            retry_jitter_factor=0.5,
            result_serializer=ResultSerializer(),
        )
        # Not by `with_options`, which takes only storage that the server knows.
        self._task.result_storage = resources.results
        self._place = choose_place(resources)
        self._opened = ExitStack()
        self._batches: dict[Any, Batch[Any]] = {}
        self._running: set[Any] = set()
        self._live: Live | None = None
        self._started = 0.0
        self.stopped: StopRun | None = None

    def __enter__(self) -> "StepRun":
        """Wait for all task runs when the block ends."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Wait for all task runs."""
        self._opened.close()

    @property
    def running(self) -> Counter[str]:
        """How many batches have begun and not ended, by the step that they name."""
        return Counter(self._batches[future].step for future in self._running)

    @property
    def is_running(self) -> bool:
        """Whether any batch has begun and not ended."""
        return bool(self._running)

    def begin(self, batches: Sequence[Batch[Any]], *, are_last: bool = True) -> None:
        """Begin a task run for each batch; `are_last`: no others will come."""
        self._expects_more = self._expects_more and not are_last
        if self._live is not None:
            self._live.expects_more = self._expects_more
        if not batches:
            return
        items = sum(len(batch.items) for batch in batches)
        if not self._batches:
            self._started = time.monotonic()
            self._opened.enter_context(self._resources.clock.measure(self._name))
            self._opened.enter_context(progress.track_step(self._name))
            self._opened.enter_context(self._place.open())
        progress.add_to_step(self._name, items)
        # No tags on task runs: Prefect would ask its server for a slot per tag before each one.
        given = {"resources": unmapped(self._place.resources), "batch": list(batches)}
        futures: list[Any] = list(self._place.runner.map(self._task, given))
        if self._live is None:
            self._live = show_live_progress(
                self._name, items, futures[0].task_run_id, self._expects_more
            )
        else:
            self._live.total += items
        self._batches.update(zip(futures, batches, strict=True))
        self._running.update(futures)
        for future in futures:
            future.add_done_callback(lambda ended: self._ended.put((self, ended)))

    def take(self, future: Any) -> Batch[Any] | None:
        """Count a task run that has ended; its batch, or None if it was called off before."""
        if future not in self._running:
            return None
        # Takes the state from the task run itself. The server's can lag behind and hide a
        # failure, and its result could only be read from storage that the server knows.
        future.wait()
        self._running.remove(future)
        batch = self._batches[future]
        assert self._live is not None  # noqa: S101 - made with the first task run
        self._live.count_items(len(batch.items), str(future.state.name))
        if not self._place.is_here:
            progress.advance_step(self._name, len(batch.items))
        if isinstance(error := _error_of(future.state), StopRun):
            self.stop(error)
        return batch

    def stop(self, error: StopRun) -> None:
        """Call off the task runs that have not begun; the others would meet the same.

        Those that have begun end by themselves.
        """
        if self.stopped is not None:
            return
        self.stopped = error
        for future in list(self._running):
            if future.wrapped_future.cancel():
                self._running.remove(future)
                del self._batches[future]

    def finish(self) -> int:
        """Wait for all task runs and say what the step came to; how many failed."""
        if self._live is None:
            return 0
        wait(list(self._batches))
        states = [(batch, future.state) for future, batch in self._batches.items()]
        self._live.finish(
            (len(batch.items), "Failed" if _error_of(state) else str(state.name))
            for batch, state in states
        )
        total = self._live.total
        self._opened.close()
        errors = [error for _, state in states if (error := _error_of(state)) is not None]
        done = [_result_of(state) for _, state in states if state.is_completed()]
        save_tally(self._resources)
        log_step(self._name, total, time.monotonic() - self._started, done, errors)
        return len(errors)


def _result_of(state: Any) -> BatchDone:
    result = state.result(raise_on_failure=False)
    assert isinstance(result, BatchDone)  # noqa: S101 - every task that is mapped returns one
    return result


def _error_of(state: Any) -> BaseException | None:
    if state.is_completed():
        return None
    if not state.is_final():
        return RuntimeError(f"The process that ran it is gone; it was {state.name}.")
    error = state.result(raise_on_failure=False)
    return (
        error
        if isinstance(error, BaseException)
        else RuntimeError(state.message or str(state.type))
    )
