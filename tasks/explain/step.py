"""Artifacts that explain a flow run on its page.

The page lists the artifacts of the flow run first and then those of its task runs, each in no
particular order. So the one about how the run ended is the only artifact of the flow run itself;
the others belong to task runs.
"""

from collections.abc import Sequence
from functools import partial
from uuid import UUID

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactCreate
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
from prefect.runtime import flow_run

from image_tags.tasks.adapters.store.console import console_page
from image_tags.tasks.adapters.store.json_records import OBJECT, load_record
from image_tags.tasks.contracts.display import markdown
from image_tags.tasks.contracts.records import JsonObject
from image_tags.tasks.contracts.settings import Settings
from image_tags.tasks.execution.resources import RunResources
from image_tags.tasks.execution.run_folder import run_key
from image_tags.tasks.execution.staged_tables import StagedTables
from image_tags.tasks.execution.task_options import timed
from image_tags.tasks.explain.markdown import (
    MESSAGE,
    Ending,
    describe_costs,
    describe_run,
    list_checks,
    list_pending,
    list_reasons,
)

ENDED, LEFT, UNTAGGED = "how-the-run-ended", "links-pending", "links-not-tagged"
CHECKS, COSTS = "checks-of-the-tables", "calls-and-cost"


@task(task_run_name="explain the run", cache_policy=NO_CACHE)
@timed
def explain_run(
    resources: RunResources,
    summary: JsonObject,
    findings: Sequence[JsonObject],
    ending: Ending,
) -> None:
    """Create artifacts: how the run ended, pending links, reasons, checks and cost."""
    store, run = resources.store, resources.run
    plan = load_record(store, run_key(run, "plan.json"), OBJECT)
    console = partial(console_page, store)
    changed = changed_settings(resources.settings)
    with StagedTables(store, run) as staged:
        images = staged.open("images")
        page = describe_run(ending, summary, images, findings, plan, console, changed)
        left, reasons = list_pending(images, ending), list_reasons(images)
    show_ending(ending, page)
    links, statuses = f"of {summary['links']:,} links", summary["statuses"]
    if left is not None:
        create_markdown_artifact(
            left, LEFT, f"{statuses['pending']:,} {links} are pending: which ones, and why."
        )
    untagged = statuses["rejected"] + statuses["pending"]
    create_markdown_artifact(
        reasons, UNTAGGED, f"Why {untagged:,} {links} are not tagged, with examples."
    )
    failed = sum(not finding["success"] for finding in findings)
    create_markdown_artifact(
        list_checks(findings), CHECKS, f"{failed:,} of {len(findings):,} checks were not met."
    )
    billed = sum(account["billed"] for account in summary["calls"].values())
    description = f"{billed:,} calls made for {summary['cost_usd']:.4f} USD, against the plan."
    create_markdown_artifact(describe_costs(summary, plan), COSTS, description)


def changed_settings(settings: Settings) -> JsonObject:
    """The settings that do not have their default, apart from the source."""
    return {
        name: getattr(settings, name)
        for name, field in Settings.model_fields.items()
        if name != "source" and getattr(settings, name) != field.get_default()
    }


def show_ending(ending: Ending, page: str) -> None:
    """Create the artifact about how the run ended.

    It belongs to the flow run itself, also when a task run creates it.
    """
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
    """Remove the artifacts of an earlier try of this flow run, which are out of date."""
    mine = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[UUID(str(flow_run.id))]))
    with get_client(sync_client=True) as client:
        for left in client.read_artifacts(artifact_filter=mine):
            if left.key is not None:
                client.delete_artifact(left.id)
