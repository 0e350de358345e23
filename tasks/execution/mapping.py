"""Running one task over many batches."""

import time
from collections.abc import Sequence
from typing import Any

from prefect import Task, unmapped
from prefect.futures import as_completed, wait
from prefect.tasks import exponential_backoff

from image_tags.tasks.adapters import progress
from image_tags.tasks.adapters.orchestration.results import ResultSerializer
from image_tags.tasks.contracts.errors import StopRun
from image_tags.tasks.contracts.records import BatchDone
from image_tags.tasks.execution.batches import Batch
from image_tags.tasks.execution.live_progress import show_live_progress
from image_tags.tasks.execution.resources import RunResources
from image_tags.tasks.execution.shards import run_shards
from image_tags.tasks.execution.step_log import log_step
from image_tags.tasks.execution.tallies import save_tally
from image_tags.tasks.execution.task_runners import WORKERS, choose_place


def run_batches(
    step: Task[..., Any], batches: Sequence[Batch[Any]], resources: RunResources
) -> int:
    """Run a task over batches and wait for all of them; a failed one does not hold up the others.

    Returns:
        How many task runs, or shards, failed.

    Raises:
        StopRun: one of them found that nothing can go on.

    """
    if not batches:
        return 0
    with resources.clock.measure(step.name):
        if resources.settings.shards > 1:
            return run_shards(step, batches, resources)
        return _run_here(step, batches, resources)


def _run_here(step: Task[..., Any], batches: Sequence[Batch[Any]], resources: RunResources) -> int:
    settings = resources.settings
    configured = step.with_options(
        retries=settings.task_retries,
        retry_delay_seconds=exponential_backoff(settings.task_retry_delay),
        retry_jitter_factor=0.5,
        result_serializer=ResultSerializer(),
    )
    # Not by `with_options`, which takes only storage that the server knows.
    configured.result_storage = resources.results
    total = sum(len(batch.items) for batch in batches)
    place = choose_place(resources)
    started = time.monotonic()
    with progress.track_step(step.name, total), place.open():
        # No tags on task runs: Prefect would ask its server for a slot per tag before each one.
        given = {"resources": unmapped(place.resources), "batch": list(batches)}
        futures: list[Any] = list(place.runner.map(configured, given))
        live = show_live_progress(step.name, total, futures[0].task_run_id)
        sizes = dict(zip(futures, (len(batch.items) for batch in batches), strict=True))
        for future in as_completed(futures):
            # Takes the state from the task run itself. The server's can lag behind and hide a
            # failure, and its result could only be read from storage that the server knows.
            future.wait()
            live.count_items(sizes[future], str(future.state.name))
            if not place.is_here:
                progress.advance_step(step.name, sizes[future])
            if isinstance(_error_of(future.state), StopRun):
                # The others would meet the same; those that have begun end by themselves.
                futures = [one for one in futures if not one.wrapped_future.cancel()]
                break
        wait(futures)
        live.finish(
            (sizes[future], "Failed" if _error_of(future.state) else str(future.state.name))
            for future in futures
        )
    errors = [error for future in futures if (error := _error_of(future.state)) is not None]
    done = [_result_of(future.state) for future in futures if future.state.is_completed()]
    save_tally(resources)
    log_step(step.name, total, time.monotonic() - started, done, errors)
    for error in errors:
        if isinstance(error, StopRun):
            raise error
    return len(errors)


def threads_per_batch(all_threads: int, batches: int) -> int:
    """Threads per task run, so that all simultaneous task runs together have `all_threads`."""
    return max(1, -(-all_threads // min(WORKERS, max(1, batches))))


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
