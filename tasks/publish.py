"""Publishing: copy the tables that passed the gate to a version, then swap the pointer.

Readers start at the pointer, so they see a whole version or another. When every table is the same,
byte for byte, as in the version that readers see now, no new version is made.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from image_tags.tasks.adapters.files.csv_files import CSV, write_csv
from image_tags.tasks.adapters.files.table_files import TableFile
from image_tags.tasks.adapters.store.json_records import (
    OBJECT,
    DamagedRecord,
    load_record,
    save_record,
)
from image_tags.tasks.adapters.store.store import JSON, NotInStore, Store
from image_tags.tasks.contracts.errors import StopRun
from image_tags.tasks.contracts.records import JsonObject
from image_tags.tasks.contracts.settings import PublishSettings
from image_tags.tasks.contracts.tables import PUBLISHED
from image_tags.tasks.execution.resources import RunResources
from image_tags.tasks.execution.retention import prune_runs
from image_tags.tasks.execution.run_folder import run_key, staged_key
from image_tags.tasks.execution.staged_tables import StagedTables
from image_tags.tasks.execution.task_options import timed
from image_tags.tasks.published.codebook import CODEBOOK
from image_tags.tasks.published.manifests import write_manifests
from image_tags.tasks.published.methods import METHODS
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
    METHODS: "text/markdown; charset=utf-8",
    CODEBOOK: "text/csv; charset=utf-8",
}
"""What is published next to the tables, if the run has it."""

CONTENT = "content.json"
"""The file of a version with the sha256 of each of its tables, and what kind of CSV it has."""


@dataclass(frozen=True)
class Publication:
    """What was published.

    Attributes:
        pointer: as it is now.
        removed: old versions that were removed to make room.
        nothing_new: whether the current version already had these tables, so that it stays.
    """

    pointer: Pointer
    removed: list[Version]
    nothing_new: bool = False


@task(task_run_name="publish the tables", cache_policy=NO_CACHE)
@timed
def publish_tables(resources: RunResources, summary: JsonObject) -> JsonObject:
    """Publish a run's staged tables, summary and report as a version; readers see it at once.

    Old runs are removed afterwards (`--keep-runs`).

    Returns:
        What changes in the summary. `published` is False if another run published since this one
        was checked; `lost_to` is that version, which stays. `nothing_new` is True if the current
        version has the same tables; `version` is then that version.

    Raises:
        StopRun: the summary does not agree with the tables.
    """
    store, run, logger = resources.store, resources.run, get_run_logger()
    settings = resources.settings.only(PublishSettings)
    try:
        publication = publish_version(store, run, summary, settings)
    except PublishedMeanwhile as lost:
        logger.error("%s", lost)
        changes = {"published": False, "lost_to": lost.winner}
    else:
        version = publication.pointer.version if publication.nothing_new else summary["version"]
        changes = {"nothing_new": publication.nothing_new, "version": version}
        logger.info("Nothing new: %s stays" if publication.nothing_new else "Published %s", version)
        if publication.removed:
            names = ", ".join(one.version for one in publication.removed)
            logger.info("Removed old versions: %s", names)
    save_record(store, run_key(run, "summary.json"), OBJECT, {**summary, **changes})
    if pruned := prune_runs(store, settings.keep_runs, run):
        logger.info("Removed the files of %d old runs", len(pruned))
    return changes


def publish_version(
    store: Store, run: str, summary: JsonObject, settings: PublishSettings
) -> Publication:
    """Copy what the run staged to `published/<version>/`, then swap the pointer.

    Raises:
        PublishedMeanwhile: another run published since this one was checked; what was copied is
            removed again.
        StopRun: the summary does not agree with the tables.
    """
    version = summary["version"]
    pointer, history = look_at_pointer(store).pointer, list_versions(store)
    if pointer and version in {one.version for one in pointer.history}:
        return Publication(pointer, [])  # a retry of what had already succeeded
    with StagedTables(store, run) as tables:
        names = list(dict.fromkeys([*PUBLISHED, *summary["tables"]]))
        check_summary(summary, {name: tables.open(name).num_rows for name in names})
        content = describe_content({name: tables.path(name) for name in names}, settings)
        if pointer and content == _load_content(store, pointer):
            return Publication(pointer, [], nothing_new=True)
        keys = _copy_tables(store, run, version, names)
        if settings.csv:
            _write_csv_files(store, tables, version, names, settings)
    _copy_extra_files(store, run, version)
    save_record(store, FILES.format(version=version, name=CONTENT), OBJECT, content)
    after, gone = add_version(history, version, keys, settings.keep_versions)
    followed = load_record(store, run_key(run, "follows.json"), OBJECT) or {}
    try:
        swap_pointer(store, after, followed.get("token"))
    except PublishedMeanwhile:
        remove_versions(store, [Version(version, "")])
        raise
    write_manifests(store)
    remove_versions(store, gone)
    return Publication(after, gone)


def describe_content(paths: Mapping[str, Path], settings: PublishSettings) -> JsonObject:
    """What a version of these table files is; equal if readers cannot tell two versions apart.

    The same table gives the same bytes, so a file's sha256 stands for the table.
    """
    hashes = {}
    for name, path in paths.items():
        with path.open("rb") as file:
            hashes[name] = hashlib.file_digest(file, "sha256").hexdigest()
    kind = ("spreadsheets" if settings.csv_for_spreadsheets else "plain") if settings.csv else None
    return {"sha256": hashes, "csv": kind}


def check_summary(summary: JsonObject, rows: Mapping[str, int]) -> None:
    """Check that the summary counts what the tables hold.

    Raises:
        StopRun: it does not; nothing is published then.
    """
    counted = summary["tables"]
    wrong = [
        f"{name}: {counted.get(name)} in the summary, {n} in the table"
        for name, n in sorted(rows.items())
        if counted.get(name) != n
    ]
    links, without = summary["links"], summary["statuses"]["no_link"]
    if links + without != rows["images"]:
        wrong.append(
            f"{links} links and {without} rows without any in the summary, "
            f"{rows['images']} rows in images"
        )
    if wrong:
        raise StopRun(
            f"The summary does not agree with the tables ({'; '.join(wrong)}): "
            "nothing was published."
        )


def _load_content(store: Store, pointer: Pointer) -> JsonObject | None:
    """What the pointer's version is; None if it does not say, or files of it are missing."""
    try:
        content = load_record(store, FILES.format(version=pointer.version, name=CONTENT), OBJECT)
    except DamagedRecord:
        return None
    return content if all(map(store.exists, pointer.tables.values())) else None


def _copy_tables(store: Store, run: str, version: str, names: list[str]) -> dict[str, str]:
    keys = {name: FILES.format(version=version, name=f"{name}.parquet") for name in names}
    for name, key in keys.items():
        store.copy(staged_key(run, name), key)
    return keys


def _write_csv_files(
    store: Store, tables: StagedTables, version: str, names: list[str], settings: PublishSettings
) -> None:
    harmless = settings.csv_for_spreadsheets
    for name in names:
        path, table = tables.folder / f"{name}.csv", TableFile(tables.path(name))
        with path.open("wb") as file:
            write_csv(file, table.iterate(), table.schema, for_spreadsheets=harmless)
        store.put_file(FILES.format(version=version, name=path.name), path, CSV)
        path.unlink()


def _copy_extra_files(store: Store, run: str, version: str) -> None:
    for name, content_type in EXTRA_FILES.items():
        try:
            data = store.read(run_key(run, name))
        except NotInStore:
            continue
        store.write(FILES.format(version=version, name=name), data, content_type)
