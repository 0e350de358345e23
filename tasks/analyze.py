"""Asking the analyzer for what is not in the ledger."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from prefect import task
from prefect.logging import get_run_logger

from image_tags.tasks.adapters import progress
from image_tags.tasks.adapters.analyzers.analyzer import Analyzer
from image_tags.tasks.adapters.interruption import interruption
from image_tags.tasks.adapters.ledger.ledger import Ledger
from image_tags.tasks.adapters.ledger.settling import Settled, Settling
from image_tags.tasks.contracts.display import counted, shown
from image_tags.tasks.contracts.errors import ImageTagsError, LinkError
from image_tags.tasks.contracts.reasons import Reason, Status
from image_tags.tasks.contracts.records import Answer, BatchDone, Failure, Picture
from image_tags.tasks.contracts.settings import AnalysisSettings
from image_tags.tasks.execution.batches import AHEAD, Batch
from image_tags.tasks.execution.mapping import threads_per_batch
from image_tags.tasks.execution.resources import RunResources
from image_tags.tasks.execution.run_folder import save_failures
from image_tags.tasks.execution.task_options import (
    cache_key_of,
    make_batch_error,
    may_succeed_later,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What one batch came to: images asked for, images found in the ledger, and failures."""

    asked: int
    found: int
    failures: list[Failure]

    @property
    def passing(self) -> list[Failure]:
        """The failures that may go away."""
        return [failure for failure in self.failures if failure.reason.status is Status.PENDING]


@task(
    task_run_name="{batch.name}",
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
    at_once = (batch.of or AHEAD) * len(operations)
    outcome = ask_for(
        batch.items,
        batch.step,
        analyzer=analyzer,
        ledger=resources.ledger(batch.step),
        run=run,
        threads=threads_per_batch(all_threads, at_once),
        on_done=on_done,
    )
    if outcome.failures:
        save_failures(resources.store, run, f"{batch.step}-{batch.digest[:32]}", outcome.failures)
    counts = {"asked": outcome.asked, "found": outcome.found, "failed": len(outcome.passing)}
    said = "%s: %s requested, %d found in the ledger meanwhile, %d left pending"
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


def answer_picture(analyzer: Analyzer, operation: str, picture: Picture) -> Answer:
    """Ask the analyzer; an unexpected error is tried once more.

    Raises:
        LinkError: `refused_by_analyzer` with the cause, if that fails too. Not Rejected: the ledger
            would keep it, and a later version of the program may do better.
        ImageTagsError: whatever else the analyzer raises.

    """
    try:
        return analyzer.answer(operation, picture)
    except ImageTagsError:
        raise
    except Exception:
        log.exception("Unexpected error, trying once more: %s of %s", operation, picture.image_id)
    try:
        return analyzer.answer(operation, picture)
    except ImageTagsError:
        raise
    except Exception as error:
        cause = f"unexpected error, twice: {type(error).__name__}: {shown(str(error))}"
        raise LinkError(Reason.REFUSED_BY_ANALYZER, cause) from error


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

    A picture that fails is in the outcome; the others go on. `on_done` is called for each, in the
    caller's thread, once its answer is durable.

    Raises:
        StopRun: nothing can go on; pictures not yet begun are left alone.

    """
    asked = found = 0
    failures: list[Failure] = []

    def report(picture: Picture, settled: Settled) -> None:
        nonlocal asked, found
        if isinstance(settled, LinkError):
            failures.append(Failure(picture.image_id, operation, settled.reason, settled.detail))
            on_done(picture, str(settled))
        elif settled:
            asked += 1
            on_done(picture, "asked")
        else:
            found += 1
            on_done(picture, "found in the ledger")

    def ask(picture: Picture) -> Answer:
        interruption.check()
        return answer_picture(analyzer, operation, picture)

    threads = max(1, min(threads, len(pictures)))
    settling = Settling(ledger, run, ask, threads, report, wait=interruption.wait)
    with interruption.call():  # until the last answer is durable
        settling.settle(pictures)
    places = {picture.image_id: place for place, picture in enumerate(pictures)}
    return Outcome(asked, found, sorted(failures, key=lambda one: places[one.image_id]))
