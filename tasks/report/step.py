"""The step that draws the report and keeps it with the run."""

from collections.abc import Sequence

from prefect import task
from prefect.cache_policies import NO_CACHE

from image_tags.tasks.adapters.store.store import NotInStore, Store
from image_tags.tasks.contracts.records import JsonObject, picture_key
from image_tags.tasks.contracts.tables import PUBLISHED
from image_tags.tasks.execution.resources import RunResources
from image_tags.tasks.execution.run_folder import is_staged, load_json, run_key, staged
from image_tags.tasks.execution.task_options import timed
from image_tags.tasks.report.page import render_report
from image_tags.tasks.report.view import ReportInput

HTML = "text/html; charset=utf-8"


@task(task_run_name="draw the report", cache_policy=NO_CACHE)
@timed
def report_run(resources: RunResources, summary: JsonObject, findings: Sequence[JsonObject]) -> str:
    """Draw `report.html` from the staged tables; returns its address."""
    store, run = resources.store, resources.run
    tables = {
        name: staged(store, run, name)
        for name in (*PUBLISHED, "tag_effects")
        if is_staged(store, run, name)
    }
    objects = dict(
        zip(
            *(tables["images"].column(name).to_pylist() for name in ("image_id", "object")),
            strict=True,
        )
    )

    def read_picture(image_id: str) -> bytes | None:
        try:
            return store.read(picture_key(image_id, objects[image_id].rpartition(".")[2]))
        except (KeyError, NotInStore):
            return None

    view = ReportInput(
        summary=summary,
        tables=tables,
        findings=findings,
        plan=load_json(store, run_key(run, "plan.json")),
        previous=load_last_summary(store),
        thumbnail=read_picture,
    )
    key = run_key(run, "report.html")
    store.write(key, render_report(view).encode(), HTML)
    return store.locate(key)


def load_last_summary(store: Store) -> JsonObject | None:
    """`summary.json` of the version that is published now; None if there is none."""
    current = load_json(store, "published/current.json")
    return load_json(store, f"published/{current['version']}/summary.json") if current else None
