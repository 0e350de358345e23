"""What the engineer who opens a flow run sees: artifacts that explain it from its page alone.

The page lists those of the flow run itself first, then those of its task runs, each in an order of chance. So how the run
ended is the only one of the flow run itself, and the rest belongs to task runs.
"""

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import UUID

from prefect import task
from prefect.artifacts import ProgressArtifact, create_markdown_artifact, update_progress_artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactCreate
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
from prefect.runtime import flow_run

from image_tags.tasks.adapters.orchestration.prefect_api import if_it_answers
from image_tags.tasks.adapters.store.console import console_page
from image_tags.tasks.contracts.display import markdown
from image_tags.tasks.contracts.records import JsonObject
from image_tags.tasks.contracts.settings import Settings
from image_tags.tasks.execution.resources import store_for
from image_tags.tasks.execution.run_folder import load_json, run_key, staged
from image_tags.tasks.explain import MESSAGE, Ending, checks, costs, overview, pending, progress_line, reasons

ENDED, LEFT, UNTAGGED = "how-the-run-ended", "links-pending", "links-not-tagged"
CHECKS, COSTS = "checks-of-the-tables", "calls-and-cost"
PROGRESS = {"ingest_images": ("progress-of-ingest", "distinct links"), "analyze_images": ("progress-of-analysis", "calls")}
"""The key of a step's progress, and what its items are."""

EVERY = 2.0
"""Seconds between two updates of a progress artifact: each is a request to the server."""


@task(task_run_name="explain the run")
def explain_run(run: str, settings: Settings, summary: JsonObject, findings: Sequence[JsonObject], ending: Ending) -> None:
    """Leave how the run ended, what is pending, the reasons, the checks and the cost as artifacts."""
    store = store_for(run, settings)
    images = staged(store, run, "images")
    plan = load_json(store, run_key(run, "plan.json"))
    show_ending(ending, overview(ending, summary, images, findings, plan, partial(console_page, store)))
    links, statuses = f"of {summary['links']:,} links", summary["statuses"]
    left = pending(images, ending)
    if left is not None:
        create_markdown_artifact(left, LEFT, f"{statuses['pending']:,} {links} wait for another try: which, and why.")
    untagged = statuses["rejected"] + statuses["pending"]
    create_markdown_artifact(reasons(images), UNTAGGED, f"Why {untagged:,} {links} are not tagged, with examples.")
    failed = sum(not finding["success"] for finding in findings)
    create_markdown_artifact(checks(findings), CHECKS, f"{failed:,} of {len(findings):,} checks were not met.")
    billed = sum(account["billed"] for account in summary["calls"].values())
    said = f"{billed:,} calls made for {summary['cost_usd']:.4f} USD, against the plan."
    create_markdown_artifact(costs(summary, plan), COSTS, said)


def show_ending(ending: Ending, page: str) -> None:
    """Say how the run ended: the one artifact that is the flow run's own, also when a task run leaves it."""
    made = ArtifactCreate(
        key=ENDED,
        type="markdown",
        description=markdown(ending.headline, MESSAGE),
        data=page,
        flow_run_id=UUID(str(flow_run.id)),
    )
    with get_client(sync_client=True) as client:
        client.create_artifact(made)


def clear_page() -> None:
    """Remove what an earlier try of this flow run left: it would stand beside what is true now."""
    mine = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[UUID(str(flow_run.id))]))
    with get_client(sync_client=True) as client:
        for left in client.read_artifacts(artifact_filter=mine):
            if left.key is not None:
                client.delete_artifact(left.id)


@dataclass
class Live:
    """A progress artifact, if the server took it: items done of all, what failed of them, what an earlier try had done."""

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
            with if_it_answers():
                update_progress_artifact(self.artifact, 100.0 * self.done / self.total, description=line)


def live_progress(step: str, total: int, task_run_id: UUID | None) -> Live:
    """Show a step's progress on the flow run's page while it works, as an artifact of its first task run."""
    key, noun = PROGRESS.get(step, (f"progress-of-{step.replace('_', '-')}", "items"))
    description = progress_line(noun, 0, total, 0, 0, 0)
    shown = ProgressArtifact(progress=0.0, key=key, description=description, task_run_id=task_run_id)
    artifact = None
    with if_it_answers():
        # Where an event loop runs, as in a notebook, Prefect would otherwise give a coroutine.
        artifact = shown.create(_sync=True).id  # type: ignore[call-arg,union-attr]
    return Live(noun, total, artifact)
