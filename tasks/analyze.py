"""Asking the analyzer: the ledger first, then the call, the response saved the moment it arrives."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass

from prefect import task
from prefect.logging import get_run_logger

from image_tags.tasks.adapters import progress
from image_tags.tasks.adapters.analyzers.analyzer import Analyzer
from image_tags.tasks.adapters.interruption import interruption
from image_tags.tasks.adapters.ledger.ledger import Ledger
from image_tags.tasks.contracts.display import counted, shown
from image_tags.tasks.contracts.errors import LinkError, StopRun
from image_tags.tasks.contracts.reasons import Reason, Status
from image_tags.tasks.contracts.records import BatchDone, Failure, Picture
from image_tags.tasks.contracts.settings import AnalysisSettings
from image_tags.tasks.execution.batches import Batch
from image_tags.tasks.execution.mapping import threads_per_batch
from image_tags.tasks.execution.resources import RunResources
from image_tags.tasks.execution.run_folder import save_failures
from image_tags.tasks.execution.task_options import (
    cache_key_of,
    make_batch_error,
    may_succeed_later,
)


@dataclass(frozen=True)
class Outcome:
    """What one batch came to: images answered by a call, images found in the ledger meanwhile, and
    what failed.
    """

    asked: int
    found: int
    failures: list[Failure]

    @property
    def passing(self) -> list[Failure]:
        """The failures that may go away."""
        return [failure for failure in self.failures if failure.reason.status is Status.PENDING]


@task(
    task_run_name="{batch.step} {batch.number} of {batch.of}",
    persist_result=True,
    cache_key_fn=cache_key_of("analyze_images", AnalysisSettings),
    retry_condition_fn=may_succeed_later,
)
def analyze_images(resources: RunResources, batch: Batch[Picture]) -> BatchDone:
    """Ask one operation of a batch of images.

    Raises:
        BatchFailed: some are left pending; all others are saved.
        StopRun: nothing can go on.

    """
    analyzer, run, operations = resources.analyzer, resources.run, resources.settings.operations
    logger = get_run_logger()

    def on_done(picture: Picture, said: str) -> None:
        progress.advance_step("analyze_images")
        logger.debug("%s: %s", picture.image_id, shown(said))

    all_threads = analyzer.threads(batch.step) * len(operations)
    outcome = ask_for(
        batch.items,
        batch.step,
        analyzer=analyzer,
        ledger=resources.ledger(batch.step),
        run=run,
        threads=threads_per_batch(all_threads, batch.of * len(operations)),
        on_done=on_done,
    )
    save_failures(resources.store, run, f"{batch.step}-{batch.digest[:32]}", outcome.passing)
    counts = {"asked": outcome.asked, "found": outcome.found, "failed": len(outcome.passing)}
    said = "%s: %s asked, %d found in the ledger meanwhile, %d left pending"
    logger.debug(
        said, batch.step, counted(outcome.asked, "image"), outcome.found, len(outcome.passing)
    )
    if outcome.passing:
        raise make_batch_error(
            [(failure.image_id, failure.reason, failure.detail) for failure in outcome.passing],
            "image",
            counts,
        )
    return BatchDone(batch.step, len(batch.items), counts)


def ask_for(
    pictures: Sequence[Picture],
    operation: str,
    *,
    analyzer: Analyzer,
    ledger: Ledger,
    run: str,
    threads: int,
    on_done: Callable[[Picture, str], None] = lambda _, __: None,
) -> Outcome:
    """Ask one operation of each picture, a few at a time.

    A picture that fails is in the outcome; the others go on. `on_done` is told of each, in the
    thread that asked.

    Raises:
        StopRun: nothing can go on; pictures not yet begun are left alone.
    """
    stopped = threading.Event()

    def one(picture: Picture) -> bool | Failure:
        if stopped.is_set():
            return Failure(
                picture.image_id,
                operation,
                Reason.ANALYZER_UNAVAILABLE,
                "The run was stopped before this call.",
            )
        said = "no answer"
        try:
            with interruption.call():
                settled = ledger.settle(picture, run, lambda: analyzer.answer(operation, picture))
            asked = settled.asked
            said = "asked" if asked else "found in the ledger"
            return asked
        except LinkError as error:
            said = str(error)
            return Failure(picture.image_id, operation, error.reason, error.detail)
        except StopRun:
            stopped.set()
            raise
        finally:
            on_done(picture, said)

    with (
        closing(ledger),
        ThreadPoolExecutor(
            max_workers=max(1, min(threads, len(pictures))), thread_name_prefix=operation
        ) as pool,
    ):
        results = list(pool.map(one, pictures))
    failures = [result for result in results if isinstance(result, Failure)]
    return Outcome(
        sum(result is True for result in results),
        sum(result is False for result in results),
        failures,
    )
