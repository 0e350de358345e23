"""Publishing: copy what passed the gate to a version of its own, then swap the pointer that readers
start at.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from image_tags.tasks.adapters.files.csv_files import CSV, csv_bytes
from image_tags.tasks.adapters.files.tables import parquet_table
from image_tags.tasks.adapters.store.store import JSON, PARQUET, NotInStore, Store
from image_tags.tasks.contracts.errors import StopRun
from image_tags.tasks.contracts.records import JsonObject
from image_tags.tasks.contracts.settings import PublishSettings
from image_tags.tasks.contracts.tables import PUBLISHED
from image_tags.tasks.execution.resources import RunResources
from image_tags.tasks.execution.run_folder import load_json, run_key, save_json, staged_key
from image_tags.tasks.execution.task_options import timed
from image_tags.tasks.published.manifests import write_manifests
from image_tags.tasks.published.pointer import (
    FILES,
    Pointer,
    PublishedMeanwhile,
    Version,
    look_at_pointer,
    swap_pointer,
)
from image_tags.tasks.published.versions import add_version, list_versions, remove_versions

EXTRA_FILES = {
    "summary.json": JSON,
    "report.html": "text/html; charset=utf-8",
    "profile.json": JSON,
    "findings.json": JSON,
}
"""What is published beside the tables, if the run has it."""


@dataclass(frozen=True)
class Publication:
    """What was published: the pointer as it now stands, and the old versions that were removed to
    make room.
    """

    pointer: Pointer
    removed: list[Version]


@task(task_run_name="publish the tables", cache_policy=NO_CACHE)
@timed
def publish_tables(resources: RunResources, summary: JsonObject) -> str | None:
    """Publish a run's staged tables, summary and report as a version; readers see it from the next
    moment on.

    Returns:
        None, or the version that another run published since this one was checked: that one stays.

    Raises:
        StopRun: the summary does not say what the tables say.
    """
    store, run, logger = resources.store, resources.run, get_run_logger()
    try:
        publication = publish_version(store, run, summary, resources.settings.only(PublishSettings))
    except PublishedMeanwhile as lost:
        logger.error("%s", lost)
        save_json(store, run_key(run, "summary.json"), {**summary, "published": False})
        return lost.winner
    logger.info("Published version %s", publication.pointer.version)
    if publication.removed:
        logger.info(
            "Removed old versions: %s", ", ".join(one.version for one in publication.removed)
        )
    return None


def publish_version(
    store: Store, run: str, summary: JsonObject, settings: PublishSettings
) -> Publication:
    """Copy what the run staged to `published/<version>/`, then swap the pointer: no reader sees
    half of it.

    Raises:
        PublishedMeanwhile: another run published since this one was checked; what was copied is
            removed again.
        StopRun: the summary does not say what the tables say.
    """
    version = summary["version"]
    pointer, history = look_at_pointer(store).pointer, list_versions(store)
    if pointer and version in {one.version for one in pointer.history}:
        return Publication(pointer, [])  # a retry of what had already succeeded
    tables = _copy_tables(store, run, summary, settings)
    after, gone = add_version(history, version, tables, settings.keep_versions)
    try:
        swap_pointer(
            store, after, (load_json(store, run_key(run, "follows.json")) or {}).get("token")
        )
    except PublishedMeanwhile:
        remove_versions(store, [Version(version, "")])
        raise
    write_manifests(store)
    remove_versions(store, gone)
    return Publication(after, gone)


def _copy_tables(
    store: Store, run: str, summary: JsonObject, settings: PublishSettings
) -> dict[str, str]:
    version = summary["version"]
    keys, counts = {}, {}
    for name in dict.fromkeys([*PUBLISHED, *summary["tables"]]):
        data = store.read(staged_key(run, name))
        table = parquet_table(data, columns=None if settings.csv else [])
        keys[name] = FILES.format(version=version, name=f"{name}.parquet")
        counts[name] = table.num_rows
        store.write(keys[name], data, PARQUET)
        if settings.csv:
            text = csv_bytes(table, for_spreadsheets=settings.csv_for_spreadsheets)
            store.write(FILES.format(version=version, name=f"{name}.csv"), text, CSV)
    check_summary(summary, counts)
    for name, content_type in EXTRA_FILES.items():
        try:
            data = store.read(run_key(run, name))
        except NotInStore:
            continue
        store.write(FILES.format(version=version, name=name), data, content_type)
    return keys


def check_summary(summary: JsonObject, rows: Mapping[str, int]) -> None:
    """See that the summary counts what the tables hold.

    Raises:
        StopRun: it does not; nothing is published then.
    """
    said = summary["tables"]
    wrong = [
        f"{name}: {said.get(name)} said, {n} there"
        for name, n in sorted(rows.items())
        if said.get(name) != n
    ]
    links, without = summary["links"], summary["statuses"]["no_link"]
    if links + without != rows["images"]:
        wrong.append(
            f"{links} links and {without} rows without any said, {rows['images']} rows in images"
        )
    if wrong:
        raise StopRun(
            f"The summary does not agree with the tables ({'; '.join(wrong)}): nothing was published."
        )
