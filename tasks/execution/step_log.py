"""What a run's log says about its steps: one line per step, and each problem once."""

import logging
from collections import Counter
from collections.abc import Sequence

from prefect.logging import get_run_logger

from image_tags.tasks.contracts.display import counted, duration, shown
from image_tags.tasks.contracts.errors import BatchFailed, ImageTagsError, StopRun
from image_tags.tasks.contracts.records import BatchDone

MAPPED = frozenset({"ingest_images", "analyze_images"})
"""The steps with one task run per batch."""

HOSTS_NAMED = 5
"""Unreachable hosts that the log names; all links are in the table `images`."""


def log_step(
    step: str,
    items: int,
    seconds: float,
    done: Sequence[BatchDone],
    failed: Sequence[BaseException],
) -> None:
    """Log what a step came to, over all of its batches.

    Args:
        step: its name.
        items: of all batches.
        seconds: that it took.
        done: of the batches that did not fail.
        failed: the errors of those that did.

    """
    outcomes: Counter[str] = Counter()
    hosts: Counter[str] = Counter()
    counted_batches: list[BatchDone | BatchFailed] = list(done)
    counted_batches += [error for error in failed if isinstance(error, BatchFailed)]
    for batch in counted_batches:
        outcomes.update(batch.outcomes)
        hosts.update(batch.unreachable)
    counts = ", ".join(f"{count:,} {outcome}" for outcome, count in outcomes.most_common() if count)
    line = f"{step}: {counted(items, 'item')} in {duration(seconds)}"
    line += f": {counts}" if counts else ""
    line += f"; {len(failed):,} of {len(failed) + len(done):,} task runs failed" if failed else ""
    logger = get_run_logger()
    logger.info("%s.", line)
    if hosts:
        named = ", ".join(shown(host, 60) for host, _ in hosts.most_common(HOSTS_NAMED))
        more = f" and {len(hosts) - HOSTS_NAMED:,} more" if len(hosts) > HOSTS_NAMED else ""
        links, unreachable = counted(hosts.total(), "link"), counted(len(hosts), "host")
        logger.warning(
            "%s to %s that cannot be reached left pending: %s%s.", links, unreachable, named, more
        )


class _EachProblemOnce(logging.Filter):
    """Keeps the log of a run short.

    A task run that succeeded needs no line, and one that failed needs one, not Prefect's three.
    What stops the whole run, such as a denied permission, is met by every batch at work: the first
    one reports it. Errors that were raised on purpose have no traceback, as the place in this
    code helps no one who reads a run's log.
    """

    def __init__(self) -> None:
        super().__init__()
        self._reported: set[tuple[str, str]] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is shown."""
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, ImageTagsError):
            record.exc_info = None
        if isinstance(error, StopRun):
            problem = getattr(record, "flow_run_id", ""), str(error)
            first = problem not in self._reported
            self._reported.add(problem)
            return first
        mapped = getattr(record, "task_name", None) in MAPPED
        return not (mapped and str(record.msg).startswith("Finished in state"))


# Wherever task runs run, also in other processes, this module is imported.
logging.getLogger("prefect.task_runs").addFilter(_EachProblemOnce())
