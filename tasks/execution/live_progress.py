"""The progress of a step, on the flow run's page while it runs."""

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from prefect.artifacts import ProgressArtifact, update_progress_artifact

from image_tags.tasks.adapters.orchestration.prefect_api import ignore_unreachable_server
from image_tags.tasks.contracts.display import duration

PROGRESS = {
    "ingest_images": ("progress-of-ingest", "distinct links"),
    "analyze_images": ("progress-of-analysis", "calls"),
}
"""The key of a step's progress artifact, and the noun for its items."""


EVERY = 2.0
"""Seconds between two updates of a progress artifact: each is a request to the server."""


@dataclass
class Live:
    """The progress artifact of a step.

    Attributes:
        noun: for the items.
        total: items of the step.
        artifact: its id; None if the server did not take it.
        started: by the monotonic clock.
        done: items of task runs that have ended.
        failed: of them, items of task runs that failed.
        reused: of them, items of task runs that an earlier attempt had done.
        updated: when the artifact was last updated, by the monotonic clock.
        expects_more: whether the total still grows.

    """

    noun: str
    total: int
    artifact: Any
    started: float = field(default_factory=time.monotonic)
    done: int = 0
    failed: int = 0
    reused: int = 0
    updated: float = 0.0
    expects_more: bool = False

    def count_items(self, items: int, state: str | None) -> None:
        """Count the items of a task run in its final state; updates the artifact now and then."""
        self.done += items
        self.failed += items * (state == "Failed")
        self.reused += items * (state == "Cached")
        if time.monotonic() - self.updated >= EVERY:
            self._update()

    def finish(self, states: Iterable[tuple[int, str | None]]) -> None:
        """Show the end of the step, from the items and the final state of each task run."""
        self.done = self.failed = self.reused = 0
        self.expects_more = False
        self.updated = math.inf
        for items, state in states:
            self.count_items(items, state)
        self._update()

    def _update(self) -> None:
        self.updated = time.monotonic()
        seconds = self.updated - self.started
        line = describe_progress(
            self.noun,
            self.done,
            self.total,
            seconds,
            self.failed,
            self.reused,
            expects_more=self.expects_more,
        )
        if self.artifact:
            with ignore_unreachable_server():
                update_progress_artifact(
                    self.artifact, 100.0 * self.done / self.total, description=line
                )


def show_live_progress(
    step: str, total: int, task_run_id: UUID | None, expects_more: bool = False
) -> Live:
    """Show a step's progress on the flow run's page, as an artifact of its first task run.

    With `expects_more`, the total is that of the items so far.
    """
    key, noun = PROGRESS.get(step, (f"progress-of-{step.replace('_', '-')}", "items"))
    description = describe_progress(noun, 0, total, 0, 0, 0, expects_more=expects_more)
    shown = ProgressArtifact(
        progress=0.0, key=key, description=description, task_run_id=task_run_id
    )
    artifact = None
    with ignore_unreachable_server():
        # Where an event loop runs, as in a notebook, Prefect would otherwise give a coroutine.
        artifact = shown.create(_sync=True).id  # type: ignore[call-arg,union-attr]
    return Live(noun, total, artifact, expects_more=expects_more)


def describe_progress(
    noun: str,
    done: int,
    total: int,
    seconds: float,
    failed: int,
    reused: int,
    *,
    expects_more: bool = False,
) -> str:
    """One line: items done of all, their rate, and how many failed or were reused."""
    rate = done / seconds if seconds > 0 else 0.0
    all_items = f"{total:,} {noun} so far" if expects_more else f"{total:,} {noun}"
    line = f"{done:,} of {all_items} done in {duration(seconds)}, {rate:.1f}/s"
    if done < total and rate and not expects_more:
        line += f", {duration((total - done) / rate)} left"
    if reused:
        line += f"; {reused:,} reused from an earlier attempt"
    return line + (f"; {failed:,} in batches that failed" if failed else "")
