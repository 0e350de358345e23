"""What the engineer who opens a flow run sees: artifacts that explain it from its page alone.

Text from the web (links, details, source cells) stands in them escaped, and cut where it is long.
"""

import html
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from prefect import task
from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)

from tasks.adapters.prefect_api import if_it_answers
from tasks.contracts.reasons import REASONS, Status
from tasks.contracts.records import JsonObject
from tasks.contracts.settings import Settings
from tasks.records import load_json, run_key
from tasks.run import store_for
from tasks.staging import staged

EVERY = 2.0
"""Seconds between two updates of a progress artifact: each is a request to the server."""

LONGEST = 200
"""Characters of a link or detail that are shown."""

EXAMPLES = 3
"""Links shown for each reason."""

PENDING_SHOWN = 50
"""Pending links listed; the rest is counted."""


@task(task_run_name="explain the run")
def explain_run(run: str, settings: Settings, summary: JsonObject, findings: Sequence[JsonObject], rerun: str) -> None:
    """Leave the funnel, the reasons, what is pending, the checks, the cost and the addresses as artifacts."""
    store = store_for(run, settings)
    images = staged(store, run, "images")
    create_markdown_artifact(funnel(summary, images), key="funnel", description="From rows to tagged links")
    create_table_artifact(reason_rows(images), key="reasons", description="Why links are not tagged")
    create_markdown_artifact(pending(images, rerun), key="pending", description="What is left, and how to do it")
    create_table_artifact(check_rows(findings), key="checks", description="What the gate found")
    plan = load_json(store, run_key(run, "plan.json"))
    create_table_artifact(cost_rows(summary, plan), key="cost", description="Calls and cost, against the plan")
    create_markdown_artifact(addresses(summary), key="tables", description="Where the tables and the report are")


def funnel(summary: Mapping[str, Any], images: pa.Table) -> str:
    """From rows to tagged links, as Markdown."""
    statuses = summary["statuses"]
    steps = [
        ("rows in the source", summary["rows"]),
        ("links in them", summary["links"]),
        ("links with a picture in the store", images.num_rows - images.column("image_id").null_count),
        ("distinct images", summary["images"]),
        ("links tagged", statuses["tagged"]),
    ]
    rest = [("links rejected", statuses["rejected"]), ("links pending", statuses["pending"])]
    rest.append(("rows without a link", statuses["no_link"]))
    lines = [f"# {_shown(summary['source'])}", "", "| step | count |", "|---|---:|"]
    lines += [f"| {name} | {count:,} |" for name, count in (*steps, *rest)]
    lines += ["", *(f"- {_shown(remark)}" for remark in summary["remarks"])]
    return "\n".join(lines)


def reason_rows(images: pa.Table) -> list[dict[str, Any]]:
    """A row for each reason: how many links, what it means, a few examples."""
    rows: dict[str, dict[str, Any]] = {}
    for image in images.select(["reason", "url", "detail"]).to_pylist():
        if image["reason"] is None:
            continue
        known = REASONS[image["reason"]]
        row = rows.setdefault(image["reason"], {"reason": str(known), "status": str(known.status), "links": 0})
        row["links"] += 1
        row.setdefault("meaning", known.meaning)
        if row["links"] <= EXAMPLES:
            row[f"example {row['links']}"] = f"{_cut(image['url'])} - {_cut(image['detail'] or '')}"
    return sorted(rows.values(), key=lambda row: -row["links"])


def pending(images: pa.Table, rerun: str) -> str:
    """The links that wait for another try and the command that tries them, as Markdown."""
    columns = images.select(["url", "reason", "detail", "status"]).to_pylist()
    left = [image for image in columns if image["status"] == Status.PENDING]
    if not left:
        return "Nothing is pending."
    lines = [
        f"{len(left):,} links are pending. Retry this flow run, or run it again; only what is missing is done, and nothing "
        "is paid for twice:",
        "",
        "```",
        rerun.replace("```", ""),
        "```",
        "",
        "| link | reason | detail |",
        "|---|---|---|",
    ]
    lines += [f"| {_shown(i['url'])} | {i['reason']} | {_shown(i['detail'] or '')} |" for i in left[:PENDING_SHOWN]]
    if len(left) > PENDING_SHOWN:
        lines.append(f"\n... and {len(left) - PENDING_SHOWN:,} more; all are in the table `images`.")
    return "\n".join(lines)


def check_rows(findings: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A row for each expectation, what failed first."""
    ordered = sorted(findings, key=lambda finding: (finding["success"], finding["severity"] != "critical"))
    return [
        {
            "result": "met" if one["success"] else "NOT MET",
            "severity": str(one["severity"]),
            "table": one["table"],
            "expectation": one["says"],
            "seen": _cut(one["detail"]),
        }
        for one in ordered
    ]


def cost_rows(summary: Mapping[str, Any], plan: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """A row for each operation: what was planned, what was done."""
    planned = plan["operations"] if plan else {}
    rows = [
        {
            "operation": operation,
            "planned calls": planned.get(operation, {}).get("calls", 0),
            "billed": account["billed"],
            "reused": account["reused"],
            "failed": account["failed"],
            "planned USD": planned.get(operation, {}).get("cost_usd", 0.0),
        }
        for operation, account in summary["calls"].items()
    ]
    total = {
        name: sum(row[name] for row in rows) for name in ("planned calls", "billed", "reused", "failed", "planned USD")
    }
    return [*rows, {"operation": "all", **total, "USD": summary["cost_usd"]}]


def addresses(summary: Mapping[str, Any]) -> str:
    """Where the tables and the report are, as Markdown."""
    where = "published" if summary["published"] else "runs"
    folder = f"{summary['store']}/{where}/{summary['version' if summary['published'] else 'run']}"
    lines = [f"{'Published' if summary['published'] else 'Not published; kept'} in `{_code(folder)}`:", ""]
    lines += [f"- `{name}.parquet`: {rows:,} rows" for name, rows in summary["tables"].items()]
    return "\n".join([*lines, "- `report.html`", "- `summary.json`"])


@dataclass
class Live:
    """A progress artifact, if the server has taken it: items done of all."""

    total: int
    artifact: Any
    done: int = 0
    said: float = 0.0

    def add(self, items: int) -> None:
        """So many more are done."""
        self.done += items
        if self.artifact and (time.monotonic() - self.said >= EVERY or self.done >= self.total):
            self.said = time.monotonic()
            with if_it_answers():
                update_progress_artifact(self.artifact, progress=100.0 * self.done / self.total)


@contextmanager
def live_progress(step: str, total: int) -> Iterator[Live]:
    """Show a step's progress on the flow run's page while it works."""
    key = f"{step.replace('_', '-')}-progress"
    description = f"{step}: share of {total:,} done"
    artifact = None
    with if_it_answers():
        artifact = create_progress_artifact(progress=0.0, key=key, description=description)
    yield Live(total, artifact)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def _shown(text: str) -> str:
    """Text from outside for a Markdown cell: no markup of its own, on one line."""
    escaped = html.escape(" ".join(_cut(text).split()))
    return "".join(f"&#{ord(sign)};" if sign in "|`*_[]()!#~\\" else sign for sign in escaped)


def _code(text: str) -> str:
    return text.replace("`", "'")
