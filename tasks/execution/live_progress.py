"""How far a step has come, on the flow run's page while it works."""

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
"""The key of a step's progress, and what its items are."""


EVERY = 2.0
"""Seconds between two updates of a progress artifact: each is a request to the server."""


@dataclass
class Live:
    """A progress artifact, if the server took it: items done of all, what failed of them, what an
    earlier try had done.
    """

    noun: str
    total: int
    artifact: Any
    begun: float = field(default_factory=time.monotonic)
    done: int = 0
    failed: int = 0
    reused: int = 0
    said: float = 0.0

    def add(self, items: int, state: str | None) -> None:
        """So many more are done, by a task run in this state; said now and then."""
        self.done += items
        self.failed += items * (state == "Failed")
        self.reused += items * (state == "Cached")
        if time.monotonic() - self.said >= EVERY:
            self._say()

    def end(self, states: Iterable[tuple[int, str | None]]) -> None:
        """All is done: the items and the final state of each task run."""
        self.done = self.failed = self.reused = 0
        self.said = math.inf
        for items, state in states:
            self.add(items, state)
        self._say()

    def _say(self) -> None:
        self.said = time.monotonic()
        seconds = self.said - self.begun
        line = progress_line(self.noun, self.done, self.total, seconds, self.failed, self.reused)
        if self.artifact:
            with ignore_unreachable_server():
                update_progress_artifact(
                    self.artifact, 100.0 * self.done / self.total, description=line
                )


def live_progress(step: str, total: int, task_run_id: UUID | None) -> Live:
    """Show a step's progress on the flow run's page while it works, as an artifact of its first
    task run.
    """
    key, noun = PROGRESS.get(step, (f"progress-of-{step.replace('_', '-')}", "items"))
    description = progress_line(noun, 0, total, 0, 0, 0)
    shown = ProgressArtifact(
        progress=0.0, key=key, description=description, task_run_id=task_run_id
    )
    artifact = None
    with ignore_unreachable_server():
        # Where an event loop runs, as in a notebook, Prefect would otherwise give a coroutine.
        artifact = shown.create(_sync=True).id  # type: ignore[call-arg,union-attr]
    return Live(noun, total, artifact)


def progress_line(
    noun: str, done: int, total: int, seconds: float, failed: int, reused: int
) -> str:
    """How far a step has come: items done of all, their rate, what failed and what an earlier try
    had done.
    """
    rate = done / seconds if seconds > 0 else 0.0
    line = f"{done:,} of {total:,} {noun} gone through in {duration(seconds)}, {rate:.1f}/s"
    if done < total and rate:
        line += f", {duration((total - done) / rate)} left"
    if reused:
        line += f"; {reused:,} taken from an earlier try"
    return line + (f"; {failed:,} in batches that failed" if failed else "")
