"""The summary of a run: what `summary.json` says, and what a person reads on the screen."""

import platform
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import pyarrow as pa
from prefect import task
from prefect.cache_policies import NO_CACHE

from image_tags.tasks.adapters.store.json_records import OBJECT, save_record
from image_tags.tasks.contracts.checks import describe_failure
from image_tags.tasks.contracts.display import counted, link_address, shown
from image_tags.tasks.contracts.prices import prices_for
from image_tags.tasks.contracts.reasons import REASONS
from image_tags.tasks.contracts.records import JsonObject, SourceRead
from image_tags.tasks.contracts.settings import Settings
from image_tags.tasks.contracts.tables import published_tables
from image_tags.tasks.execution.resources import RunResources
from image_tags.tasks.execution.run_folder import load_calls, run_key
from image_tags.tasks.execution.staged_tables import StagedTables
from image_tags.tasks.execution.tallies import load_effort
from image_tags.tasks.execution.task_options import timed
from image_tags.tasks.published.counts import TOP, count_links, rank_names, read_names
from image_tags.tasks.summary.changes import compare_with_published, describe_changes

IMAGE_COLUMNS = ["row", "position", "url", "image_id", "status", "reason"]
"""The columns of `images` that are counted."""


@task(task_run_name="summarize the run", cache_policy=NO_CACHE)
@timed
def summarize_run(
    resources: RunResources,
    *,
    source: SourceRead,
    findings: Sequence[JsonObject],
    remarks: Sequence[str],
    stopped: bool,
) -> JsonObject:
    """Count what the staged tables say, as `summary.json`; staged with the run.

    Args:
        resources: of the run.
        source: what was read.
        findings: what the gate found; a critical one means that nothing is published.
        remarks: sentences that a person should see.
        stopped: whether the run had to stop, so that nothing is published.

    """
    store, run, settings = resources.store, resources.run, resources.settings
    with StagedTables(store, run) as staged:
        files = {name: staged.open(name) for name in published_tables(settings.metric)}
        images = files["images"].select(IMAGE_COLUMNS)
        tags = read_names(files["tags_long"])
        rows = {name: file.num_rows for name, file in files.items()}
    calls = load_calls(store, run)
    prices = prices_for(settings)
    billed = {operation: account.billed for operation, account in calls.items()}
    checks = count_failed_checks(findings)
    finished = datetime.now(UTC)
    summary = {
        "version": name_version(finished, run),
        "run": run,
        "started": resources.clock.started,
        "finished": finished.isoformat(timespec="seconds"),
        "source": settings.source,
        "url_column": source.url_column,
        "store": store.address,
        "analyzer": settings.analyzer,
        "operations": list(settings.operations),
        "rows": source.rows,
        **count_links(images),
        "changes": compare_with_published(store, images, run),
        "calls": {operation: asdict(account) for operation, account in calls.items()},
        "cost_usd": round(float(prices.cost(billed)), 6) if prices else 0.0,
        "seconds": dict(resources.clock.seconds),
        **asdict(load_effort(store, run)),
        "software": read_software(),
        "checks": checks,
        "findings": [finding for finding in findings if not finding["success"]],
        "tables": rows,
        "top_labels": rank_names(tags, "label"),
        "people": rank_names(tags, "celebrity"),
        "remarks": [*remarks, *find_shared_pictures(images, settings.max_links_an_image)],
        "published": not stopped and not checks["critical"],
        "nothing_new": False,
    }
    save_record(store, run_key(run, "summary.json"), OBJECT, summary)
    return summary


def name_version(finished: datetime, run: str) -> str:
    """The name of a run's version: when it was finished, to the millisecond, and the run's id."""
    moment = f"{finished:%Y%m%dT%H%M%S}.{finished.microsecond // 1000:03d}Z"
    return f"{moment}-{run.rpartition('-')[2]}"


def read_software() -> dict[str, str]:
    """The versions that the tables were made with."""
    names = {"image_tags": "image-tags", "prefect": "prefect"}
    return {
        **{name: version(package) for name, package in names.items()},
        "python": platform.python_version(),
    }


def describe_effort(summary: Mapping[str, Any]) -> str:
    """What had to be done more than once, in one sentence; empty if nothing had."""
    parts = [
        f"{counted(n, 'request')} of {which} tried again" for which, n in summary["retries"].items()
    ]
    parts += [f"{n:,} of {which} throttled" for which, n in summary["throttled"].items()]
    parts += [
        f"{shown(one['host'], 60)} slow ({counted(one['requests'], 'request')} of "
        f"{one['seconds']:.1f} s)"
        for one in summary["slow_hosts"]
    ]
    return f"{'; '.join(parts)}." if parts else ""


def collect_remarks(
    settings: Settings, source: SourceRead, renamed: Mapping[str, str]
) -> list[str]:
    """Remarks for readers of the tables on how they were made."""
    remarks = list(source.remarks)
    if settings.allow_private_addresses:
        remarks.append("Links to private addresses were allowed (--allow-private-addresses).")
    for was, now in renamed.items():
        remarks.append(
            f"Our column {was!r} is called {now!r} in `tagged`: the source has one of that name."
        )
    return remarks


def find_shared_pictures(images: pa.Table, most: int) -> list[str]:
    """Remarks on pictures behind more than so many links: often a host's "image removed"."""
    links = Counter(image_id for image_id in images.column("image_id").to_pylist() if image_id)
    shared = [(image_id, n) for image_id, n in links.most_common(TOP) if n > most]
    urls = dict(
        zip(images.column("image_id").to_pylist(), images.column("url").to_pylist(), strict=True)
    )
    return [
        f"{n:,} links lead to one picture ({link_address(urls[image_id])}): perhaps a host's "
        "placeholder for removed pictures."
        for image_id, n in shared
    ]


def count_failed_checks(findings: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """How many expectations failed, by severity."""
    failed = Counter(finding["severity"] for finding in findings if not finding["success"])
    return {"critical": failed.get("critical", 0), "warning": failed.get("warning", 0)}


def summary_lines(summary: Mapping[str, Any]) -> list[str]:
    """The closing summary for a person, a line each; empty parts are left out."""
    statuses, calls = summary["statuses"], summary["calls"]
    billed = sum(account["billed"] for account in calls.values())
    reused = sum(account["reused"] for account in calls.values())
    failed = sum(account["failed"] for account in calls.values())
    lines = [
        f"{counted(summary['rows'], 'row')}, {counted(summary['links'], 'link')}, "
        f"{counted(summary['images'], 'distinct image')}.",
        describe_changes(summary["changes"]),
        f"Tagged: {counted(statuses['tagged'], 'link')}. Rejected: {statuses['rejected']:,}. "
        f"Pending: {statuses['pending']:,}. Rows without a link: {statuses['no_link']:,}.",
    ]
    for code, count in summary["reasons"].items():
        lines.append(f"  {code} ({REASONS[code].status}): {count:,} - {REASONS[code].meaning}")
    lines.append(
        f"Analyzer {summary['analyzer']}: {counted(billed, 'call')} made, "
        f"{reused:,} answers reused from the ledger"
        + (f", {failed:,} without an answer" if failed else "")
        + f"; cost {summary['cost_usd']:.4f} USD."
    )
    if effort := describe_effort(summary):
        lines.append(effort)
    if summary["top_labels"]:
        lines.append(
            "Top labels: "
            + ", ".join(f"{name} ({count:,})" for name, count in summary["top_labels"])
            + "."
        )
    if summary["people"]:
        lines.append(
            "People: " + ", ".join(f"{name} ({count:,})" for name, count in summary["people"]) + "."
        )
    lines += summary["remarks"]
    checks = summary["checks"]
    lines.append(f"Checks failed: {checks['critical']} critical, {checks['warning']} warning.")
    findings = sorted(summary["findings"], key=lambda finding: str(finding["severity"]))
    lines += [f"  {describe_failure(finding)}" for finding in findings]
    store = summary["store"]
    if summary["published"]:
        lines.append(f"Tables and report: {store}/published/{summary['version']}/")
    else:
        lines.append(f"Not published; the staged tables are kept in {store}/runs/{summary['run']}/")
    return lines
