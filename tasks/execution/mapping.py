"""Running one task over many batches, or two tasks, one on what the other brings."""

from collections.abc import Mapping, Sequence
from queue import SimpleQueue
from typing import Any, Protocol

from prefect import Task

from image_tags.tasks.contracts.errors import StopRun
from image_tags.tasks.contracts.settings import Settings
from image_tags.tasks.execution.batches import Batch
from image_tags.tasks.execution.open_files import PLENTY, raise_open_files_limit
from image_tags.tasks.execution.resources import RunResources
from image_tags.tasks.execution.shards import run_shards
from image_tags.tasks.execution.step_run import Ended, StepRun
from image_tags.tasks.execution.task_runners import WORKERS


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
    if resources.settings.shards > 1:
        with resources.clock.measure(step.name):
            return run_shards(step, batches, resources)
    ended: Ended = SimpleQueue()
    with StepRun(step, resources, ended) as running:
        running.begin(batches)
        while running.is_running:
            _, future = ended.get()
            running.take(future)
        failed = running.finish()
    if running.stopped:
        raise running.stopped
    return failed


def may_overlap(settings: Settings) -> bool:
    """Whether two steps can run at the same time in this process.

    Shards and the processes of a Dask cluster get all of their batches at the start, so that no two
    of them claim the same partition; and a process that may open few files has too few for two.
    """
    return (
        settings.shards == 1 and settings.runner == "threads" and raise_open_files_limit() >= PLENTY
    )


class Feed(Protocol):
    """Makes batches for a second step of what the batches of a first one bring."""

    def add(self, batch: Batch[Any]) -> None:
        """Take what a batch of the first step has brought; it has ended, maybe failed."""

    def next_batches(self, running: Mapping[str, int]) -> list[Batch[Any]]:
        """Batches to begin now, given how many run by the step that they name."""

    def last_batches(self) -> list[Batch[Any]]:
        """All that is left, once every batch of the first step has ended."""


def run_overlapping(
    first: Task[..., Any],
    batches: Sequence[Batch[Any]],
    second: Task[..., Any],
    feed: Feed,
    resources: RunResources,
) -> StopRun | None:
    """Run a task over batches, and meanwhile a second one over what they bring.

    Failed task runs hold up nothing. If the second step has to stop, the first goes on to its end.

    Returns:
        Why the second step had to stop, if it had to.

    Raises:
        StopRun: the first step had to stop. What the second one had begun has ended by then.

    """
    ended: Ended = SimpleQueue()
    with (
        StepRun(first, resources, ended) as leading,
        StepRun(second, resources, ended, expects_more=True) as following,
    ):
        leading.begin(batches)
        _begin_next(following, feed, None)
        while leading.is_running:
            running, future = ended.get()
            batch = running.take(future)
            if not leading.stopped:
                _begin_next(following, feed, batch if running is leading else None)
        leading.finish()
        if not leading.stopped:
            _begin_last(following, feed)
        while following.is_running:
            _, future = ended.get()
            following.take(future)
        following.finish()
    if leading.stopped:
        raise leading.stopped
    return following.stopped


def threads_per_batch(all_threads: int, batches: int) -> int:
    """Threads per task run, so that all simultaneous task runs together have `all_threads`."""
    return max(1, -(-all_threads // min(WORKERS, max(1, batches))))


def _begin_next(following: StepRun, feed: Feed, has_ended: Batch[Any] | None) -> None:
    try:
        if has_ended:
            feed.add(has_ended)
        if following.stopped:
            return
        following.begin(feed.next_batches(following.running), are_last=False)
    except StopRun as error:
        following.stop(error)


def _begin_last(following: StepRun, feed: Feed) -> None:
    try:
        batches = feed.last_batches()
    except StopRun as error:
        following.stop(error)
    else:
        following.begin([] if following.stopped else batches)
