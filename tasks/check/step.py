"""The gate as a step: check the staged files and keep the findings."""

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger
from pydantic import TypeAdapter

from image_tags.tasks.adapters.store.json_records import OBJECT, save_record
from image_tags.tasks.adapters.store.store import NotInStore, Store
from image_tags.tasks.check.last_version import read_last_version
from image_tags.tasks.contracts.checks import CheckContext, Checked, Finding, describe_failure
from image_tags.tasks.contracts.records import JsonObject
from image_tags.tasks.contracts.settings import CheckSettings, CleaningSettings, Settings
from image_tags.tasks.contracts.tables import published_tables
from image_tags.tasks.execution.resources import RunResources
from image_tags.tasks.execution.run_folder import run_key
from image_tags.tasks.execution.staged_tables import StagedTables
from image_tags.tasks.execution.task_options import timed

log = logging.getLogger(__name__)

FINDINGS = TypeAdapter(list[Finding])


@task(task_run_name="check the tables", cache_policy=NO_CACHE)
@timed
def check_tables(resources: RunResources) -> list[JsonObject]:
    """Check the staged files, exactly as they will be published; returns all findings.

    Raises:
        BrokenSuite: a suite names something unknown.
    """
    checked = check_staged(resources.store, resources.run, resources.settings)
    for line in describe_failures(checked.findings):
        get_run_logger().warning(line)
    return [asdict(finding) for finding in checked.findings]


def check_staged(store: Store, run: str, settings: Settings) -> Checked:
    """Check a run's staged files and keep `findings.json` and `profile.json` with them.

    The pointer's token is kept too: the version must still be current when the run publishes.
    """
    # Great Expectations takes 2.7 s of CPU and 160 MB to import: a worker's run with nothing new
    # does without.
    from image_tags.tasks.check.gate import check_files

    last = read_last_version(store)
    if last.damage:
        log.warning(last.damage)
    with StagedTables(store, run) as tables:
        context = CheckContext(
            links=tables.open("links").num_rows,
            tags=tables.open("all_tags").num_rows,
            widths={
                "celebrity": settings.wide_celebrities,
                "label": settings.wide_labels,
                "word": settings.wide_words,
            },
            cleaning=settings.only(CleaningSettings),
            thresholds=settings.only(CheckSettings),
            last=last.profile,
            metrics=settings.metric,
            effect_min_rows=settings.effect_min_rows,
        )
        files: dict[str, Path | bytes] = {}
        for name in ("source", *published_tables(settings.metric)):
            # The gate finds that a table is missing.
            with suppress(NotInStore):
                files[name] = tables.path(name)
        checked = check_files(files, context)
    save_record(store, run_key(run, "findings.json"), FINDINGS, checked.findings)
    save_record(store, run_key(run, "profile.json"), OBJECT, checked.profile or {})
    save_record(store, run_key(run, "follows.json"), OBJECT, {"token": last.token})
    return checked


def describe_failures(findings: Sequence[Finding]) -> list[str]:
    """What failed, one sentence each, with what blocks first."""
    failed = sorted((one for one in findings if not one.success), key=lambda one: not one.blocks)
    return [describe_failure(asdict(one)) for one in failed]
