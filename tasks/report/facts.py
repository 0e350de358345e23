"""The numbers of a run: what went in, what came out, what did not make it and why, what it cost,
what changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from image_tags.tasks.contracts.reasons import Reason, Status
from image_tags.tasks.report.view import ReportInput, records

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
"""What is compared with the last version: where summary.json has it, and its name for people."""


@dataclass(frozen=True)
class Stage:
    """One step of the way from rows to tagged images."""

    name: str
    n: int
    lost: str


@dataclass(frozen=True)
class Example:
    """One link that stands for others."""

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
    """One number then and now."""

    name: str
    before: float
    now: float


@dataclass(frozen=True)
class Turnover:
    """Names that came to the most frequent ones and names that went, since the last version."""

    what: str
    came: list[str]
    went: list[str]


def dig(record: Mapping[str, Any] | None, path: str) -> Any:
    """The member at a dotted path; None where the way ends."""
    found: Any = record
    for step in path.split("."):
        found = found.get(step) if isinstance(found, Mapping) else None
    return found


def funnel(view: ReportInput) -> list[Stage]:
    """Rows, links, links with a picture, distinct images, images tagged; with what was lost at each
    step.
    """
    images = view.frame("images", "image_id", "status")
    pictures = images[images["image_id"].notna()]
    links = int(dig(view.summary, "links") or 0)
    distinct = int(pictures["image_id"].nunique())
    tagged = int(pictures.loc[pictures["status"] == Status.TAGGED, "image_id"].nunique())
    without = int((images["status"] == Status.NO_LINK).sum())
    return [
        Stage("Rows in the source", int(dig(view.summary, "rows") or 0), ""),
        Stage("Links in them", links, f"{without:,} without a link" if without else ""),
        Stage(
            "Links with a picture",
            len(pictures),
            f"{links - len(pictures):,} without" if links > len(pictures) else "",
        ),
        Stage("Distinct images", distinct, _repeats(len(pictures) - distinct)),
        Stage(
            "Images tagged",
            tagged,
            f"{distinct - tagged:,} not yet or never" if distinct > tagged else "",
        ),
    ]


def left_behind(view: ReportInput, status: Status) -> list[Left]:
    """The reasons of a status, the most frequent first, each with a few distinct links as examples."""
    images = view.frame("images", "row", "url", "status", "reason", "detail")
    chosen = images[(images["status"] == status) & images["reason"].notna()]
    left = [
        Left(str(code), meaning_of(str(code)), len(links), _examples(links))
        for code, links in chosen.groupby("reason")
    ]
    return sorted(left, key=lambda reason: (-reason.links, reason.code))


def meaning_of(code: str) -> str:
    """The sentence that goes with a reason code; empty for a code that this version does not know."""
    return next((reason.meaning for reason in Reason if reason == code), "")


def calls(view: ReportInput) -> list[Calls]:
    """What was asked of the analyzer, by operation."""
    counted = dig(view.summary, "calls") or {}
    return [
        Calls(
            operation,
            int(n.get("billed", 0)),
            int(n.get("reused", 0)),
            int(n.get("failed", 0)),
            dig(view.plan, f"operations.{operation}.cost_usd"),
        )
        for operation, n in sorted(counted.items())
    ]


def changes(view: ReportInput) -> list[Change]:
    """The run's numbers beside the last version's; those that both have."""
    if view.previous is None:
        return []
    both = [(name, dig(view.previous, path), dig(view.summary, path)) for path, name in CHANGES]
    return [
        Change(name, before or 0, now or 0)
        for name, before, now in both
        if before is not None or now is not None
    ]


def turnover(view: ReportInput) -> list[Turnover]:
    """How the most frequent labels and people changed since the last version; kinds that did not
    change are left out.
    """
    found = []
    for member, what in (("top_labels", "labels"), ("people", "people")):
        before, now = (
            [name for name, _ in dig(one, member) or []] for one in (view.previous, view.summary)
        )
        came, went = (
            [name for name in now if name not in before],
            [name for name in before if name not in now],
        )
        if view.previous is not None and (came or went):
            found.append(Turnover(what, came, went))
    return found


def _repeats(n: int) -> str:
    return f"{n:,} repeat{'' if n == 1 else 's'}" if n else ""


def _examples(links: pd.DataFrame) -> list[Example]:
    first = links.drop_duplicates("url").sort_values("row").head(EXAMPLES)
    return [
        Example(_text(link["url"]), int(link["row"]), _text(link["detail"]))
        for link in records(first)
    ]


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
