"""The numbers of a run: input, output, what is missing and why, costs and changes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from image_tags.tasks.published.counts import count_funnel
from image_tags.tasks.report.view import ReportInput

CHANGES = (
    ("rows", "Rows"),
    ("links", "Links"),
    ("images", "Distinct images"),
    ("statuses.tagged", "Links tagged"),
    ("statuses.rejected", "Links rejected"),
    ("statuses.pending", "Links pending"),
    ("statuses.no_link", "Rows without a link"),
    ("tables.tags_long", "Tags"),
    ("tables.tags_dropped", "Tags removed by cleaning"),
    ("checks.warning", "Warnings"),
)
"""What is compared with the last version: its path in summary.json, and its displayed name."""


@dataclass(frozen=True)
class Stage:
    """One step of the way from rows to tagged images."""

    name: str
    n: int
    lost: str


@dataclass(frozen=True)
class Calls:
    """The calls of one operation; `cost` in USD as planned, None if unknown."""

    operation: str
    billed: int
    reused: int
    failed: int
    cost: float | None


@dataclass(frozen=True)
class Change:
    """One number before and now."""

    name: str
    before: float
    now: float


@dataclass(frozen=True)
class Turnover:
    """Names that joined or left the most frequent ones since the last version."""

    what: str
    came: list[str]
    went: list[str]


def find_member(record: Mapping[str, Any] | None, path: str) -> Any:
    """Return the member at a dotted path; None if the path does not exist."""
    found: Any = record
    for step in path.split("."):
        found = found.get(step) if isinstance(found, Mapping) else None
    return found


def count_stages(view: ReportInput) -> list[Stage]:
    """Count rows, links, links with a picture, images and tagged images, with the losses."""
    rows = int(find_member(view.summary, "rows") or 0)
    funnel = count_funnel(rows, view.tables["images"])
    rows_without = "row without" if funnel.rows_without == 1 else "rows without"
    return [
        Stage("Rows in the source", funnel.rows, ""),
        Stage("Links", funnel.links, _say_loss(funnel.rows_without, rows_without)),
        Stage(
            "With a picture",
            funnel.pictures,
            _say_loss(funnel.links - funnel.pictures, "without"),
        ),
        Stage("Distinct images", funnel.images, _count_repeats(funnel.pictures - funnel.images)),
        Stage(
            "Images tagged",
            funnel.tagged,
            _say_loss(funnel.images - funnel.tagged, "not tagged"),
        ),
    ]


def list_calls(view: ReportInput) -> list[Calls]:
    """List the calls to the analyzer, by operation."""
    counted = find_member(view.summary, "calls") or {}
    return [
        Calls(
            operation,
            int(n.get("billed", 0)),
            int(n.get("reused", 0)),
            int(n.get("failed", 0)),
            find_member(view.plan, f"operations.{operation}.cost_usd"),
        )
        for operation, n in sorted(counted.items())
    ]


def list_changes(view: ReportInput) -> list[Change]:
    """List the run's numbers next to those of the last version, where both have them."""
    if view.previous is None:
        return []
    both = [
        (name, find_member(view.previous, path), find_member(view.summary, path))
        for path, name in CHANGES
    ]
    return [
        Change(name, before or 0, now or 0)
        for name, before, now in both
        if before is not None or now is not None
    ]


def list_turnover(view: ReportInput) -> list[Turnover]:
    """List how the most frequent labels and people changed since the last version."""
    found = []
    for member, what in (("top_labels", "labels"), ("people", "people")):
        before, now = (
            [name for name, _ in find_member(one, member) or []]
            for one in (view.previous, view.summary)
        )
        came, went = (
            [name for name in now if name not in before],
            [name for name in before if name not in now],
        )
        if view.previous is not None and (came or went):
            found.append(Turnover(what, came, went))
    return found


def _say_loss(n: int, what: str) -> str:
    return f"{n:,} {what}" if n else ""


def _count_repeats(n: int) -> str:
    return f"{n:,} repeat{'' if n == 1 else 's'}" if n else ""
