"""The step that draws the report and keeps it with the run."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from prefect import task
from prefect.cache_policies import NO_CACHE

from image_tags.tasks.adapters.files.table_files import TableFile
from image_tags.tasks.adapters.store.json_records import OBJECT, DamagedRecord, load_record
from image_tags.tasks.adapters.store.store import NotInStore, Store
from image_tags.tasks.contracts.metrics import Floats, read_metric
from image_tags.tasks.contracts.records import JsonObject, picture_key
from image_tags.tasks.contracts.tables import published_tables
from image_tags.tasks.execution.resources import RunResources
from image_tags.tasks.execution.run_folder import is_staged, run_key
from image_tags.tasks.execution.staged_tables import StagedTables
from image_tags.tasks.execution.task_options import timed
from image_tags.tasks.published.codebook import CODEBOOK, write_codebook
from image_tags.tasks.published.methods import METHODS, MethodsInput, write_methods
from image_tags.tasks.published.pointer import FILES, look_at_pointer
from image_tags.tasks.report.view import ReportInput

HTML = "text/html; charset=utf-8"


@task(task_run_name="draw the report", cache_policy=NO_CACHE)
@timed
def report_run(resources: RunResources, summary: JsonObject, findings: Sequence[JsonObject]) -> str:
    """Write the report, the methods and the codebook of the staged tables; returns its address."""
    # Altair takes 0.6 s to import: `plan` and `doctor` import the flow, and draw nothing.
    from image_tags.tasks.report.page import render_report

    store, run, settings = resources.store, resources.run, resources.settings
    with StagedTables(store, run) as staged:
        tables = {
            name: staged.open(name)
            for name in published_tables(settings.metric)
            if is_staged(store, run, name)
        }
        methods = write_methods(_gather_methods(resources, summary, tables))
        store.write(run_key(run, METHODS), methods.encode(), "text/markdown; charset=utf-8")
        codebook = write_codebook({name: table.schema for name, table in tables.items()})
        store.write(run_key(run, CODEBOOK), codebook.encode(), "text/csv; charset=utf-8")
        view = ReportInput(
            summary=summary,
            tables=tables,
            findings=findings,
            plan=load_record(store, run_key(run, "plan.json"), OBJECT),
            previous=load_last_summary(store),
            thumbnail=_picture_reader(store, tables["images"]),
            metrics=_read_metrics(staged, settings.metric),
            methods=methods,
        )
        key = run_key(run, "report.html")
        store.write(key, render_report(view).encode(), HTML)
    return store.locate(key)


def _picture_reader(store: Store, images: TableFile) -> Callable[[str], bytes | None]:
    """How the report gets a picture by its image_id. It looks up the few that are shown."""
    links = images.select(["image_id", "object"])

    def read_picture(image_id: str) -> bytes | None:
        place = pc.index(links["image_id"], image_id).as_py()
        if place < 0:
            return None
        extension = links["object"][place].as_py().rpartition(".")[2]
        try:
            return store.read(picture_key(image_id, extension))
        except NotInStore:
            return None

    return read_picture


def _read_metrics(staged: StagedTables, metrics: Sequence[str]) -> dict[str, Floats]:
    """Read the finite values of each metric that tags are compared by."""
    if not metrics:
        return {}
    source = staged.open("source").select(list(dict.fromkeys(metrics)))
    values = {metric: read_metric(source, metric) for metric in metrics}
    return {metric: column[np.isfinite(column)] for metric, column in values.items()}


def _gather_methods(
    resources: RunResources, summary: JsonObject, tables: Mapping[str, TableFile]
) -> MethodsInput:
    settings = resources.settings
    asked = {
        operation: resources.analyzer.settings_of(operation) for operation in settings.operations
    }
    columns = ["kind", "model_version"]
    pairs = {
        (pair["kind"], pair["model_version"])
        for name in ("tags_long", "tags_dropped")
        for part in tables[name].iterate(columns)
        for pair in part.group_by(columns).aggregate([]).to_pylist()
    }
    versions: dict[str, list[str]] = {}
    for kind, version in sorted(pairs, key=lambda pair: (pair[0], pair[1] or "")):
        versions.setdefault(kind, []).append(version or "not given")
    links = pc.value_counts(tables["images"]["image_id"].drop_null()).field("counts")
    return MethodsInput(
        summary=summary,
        settings=settings,
        requests=asked,
        versions=versions,
        kept=_count_values(tables["tags_long"]["kind"]),
        removed=_count_values(tables["tags_dropped"]["rule"]),
        placeholders=pc.sum(pc.greater(links, settings.max_links_an_image)).as_py() or 0,
    )


def _count_values(column: pa.ChunkedArray) -> dict[str, int]:
    counts = column.value_counts().to_pylist()
    return {one["values"]: one["counts"] for one in sorted(counts, key=lambda one: one["values"])}


def load_last_summary(store: Store) -> JsonObject | None:
    """`summary.json` of the version that is published now; None if none is, or it is damaged."""
    pointer = look_at_pointer(store).pointer
    if pointer is None:
        return None
    # What is damaged there must not keep this run from publishing a version that reads well.
    key = FILES.format(version=pointer.version, name="summary.json")
    with suppress(DamagedRecord):
        return load_record(store, key, OBJECT)
    return None
