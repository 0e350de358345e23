"""The numbers of a run: input, output, what is missing and why, costs and changes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from image_tags.tasks.contracts.reasons import Reason, Status
from image_tags.tasks.report.view import ReportInput, to_records

EXAMPLES = 3
"""Links shown of each reason."""

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
class Example:
    """One link as an example of others."""

    url: str
    row: int
    detail: str


@dataclass(frozen=True)
class Left:
    """The links that one reason left behind."""

    code: str
    meaning: str
    links: int
    examples: list[Example]


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
    images = view.select_frame("images", "image_id", "status")
    pictures = images[images["image_id"].notna()]
    links = int(find_member(view.summary, "links") or 0)
    distinct = int(pictures["image_id"].nunique())
    tagged = int(pictures.loc[pictures["status"] == Status.TAGGED, "image_id"].nunique())
    without = int((images["status"] == Status.NO_LINK).sum())
    return [
        Stage("Rows in the source", int(find_member(view.summary, "rows") or 0), ""),
        Stage("Links in them", links, f"{without:,} without a link" if without else ""),
        Stage(
            "Links with a picture",
            len(pictures),
            f"{links - len(pictures):,} without" if links > len(pictures) else "",
        ),
        Stage("Distinct images", distinct, _count_repeats(len(pictures) - distinct)),
        Stage(
            "Images tagged",
            tagged,
            f"{distinct - tagged:,} not yet or never" if distinct > tagged else "",
        ),
    ]


def group_by_reason(view: ReportInput, status: Status) -> list[Left]:
    """Group the links of a status by reason, the most frequent first, with a few examples each."""
    columns = ("row", "url", "reason", "detail")
    images = view.find_rows("images", columns, "status", [str(status)]).to_pandas()
    chosen = images[images["reason"].notna()]
    left = [
        Left(str(code), explain_reason(str(code)), len(links), _pick_examples(links))
        for code, links in chosen.groupby("reason")
    ]
    return sorted(left, key=lambda reason: (-reason.links, reason.code))


def explain_reason(code: str) -> str:
    """Return the sentence for a reason code; empty for a code unknown to this version."""
    return next((reason.meaning for reason in Reason if reason == code), "")


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


def _count_repeats(n: int) -> str:
    return f"{n:,} repeat{'' if n == 1 else 's'}" if n else ""


def _pick_examples(links: pd.DataFrame) -> list[Example]:
    first = links.drop_duplicates("url").sort_values("row").head(EXAMPLES)
    return [
        Example(_text_or_empty(link["url"]), int(link["row"]), _text_or_empty(link["detail"]))
        for link in to_records(first)
    ]


def _text_or_empty(value: object) -> str:
    return value if isinstance(value, str) else ""
