"""The texts of a flow run's page, as Markdown.

Text from outside (links, details, cells) is escaped, so that none of it is markup, and cut if long.
"""

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow.compute as pc

from image_tags.tasks.adapters.files.table_files import AnyTable, iterate_parts
from image_tags.tasks.contracts.display import code, counted, link_address, markdown, percent, shown
from image_tags.tasks.contracts.reasons import REASONS, Status
from image_tags.tasks.published.counts import count_funnel, count_reasons

EXAMPLES = 3
"""Links shown for each reason."""

PENDING_SHOWN = 50
"""Pending links listed; the rest is counted."""

DETAIL, MESSAGE = 200, 2_000
"""Characters of a detail, and of a sentence of this program."""


@dataclass(frozen=True)
class Ending:
    """How a run ended.

    Attributes:
        headline: one or two sentences.
        advice: what to do now; empty if there is nothing to do.
        command: runs it again; it follows the advice.

    """

    headline: str
    advice: str = ""
    command: str = ""

    @property
    def message(self) -> str:
        """All of it in one line."""
        return " ".join(part for part in (self.headline, self.advice, self.command) if part)

    def as_markdown(self) -> str:
        """The advice, and the command as a block; the page shows the headline above them."""
        parts = [markdown(self.advice, MESSAGE)] if self.advice else []
        if self.command:
            parts.append(_code_block(_one_option_per_line(self.command)))
        return "\n\n".join(parts)


def describe_run(
    ending: Ending,
    summary: Mapping[str, Any],
    images: AnyTable,
    findings: Sequence[Mapping[str, Any]],
    plan: Mapping[str, Any] | None,
    console: Callable[[str], str | None],
    changed_settings: Mapping[str, Any] | None = None,
) -> str:
    """The whole run on one page: what to do, what is new, how it ran, and what led there."""
    parts = [
        ending.as_markdown(),
        "### What is new",
        describe_news(summary),
        "### How it ran",
        describe_conditions(summary, changed_settings or {}, console),
        "### From rows to tagged links",
        describe_funnel(summary, images),
    ]
    if summary["reasons"]:
        parts += ["### Why links are not tagged", list_reasons(images, examples=1)]
    failed = [finding for finding in findings if not finding["success"]]
    parts += [
        f"### Checks: {len(findings) - len(failed):,} met, {len(failed):,} not met",
        *(map(_format_finding, failed)),
    ]
    parts += [
        "### Calls and cost",
        describe_costs(summary, plan),
        "### Tables and report",
        list_addresses(summary, console),
    ]
    return "\n\n".join(part for part in parts if part)


def describe_news(summary: Mapping[str, Any]) -> str:
    """What changed since the last version, one line per kind of change."""
    changes = summary["changes"]
    if changes["since"] is None:
        return "No earlier version to compare with."
    lines = [f"Since version {code(changes['since'])}:", ""]
    for noun in ("row", "link", "image"):
        new, gone = changes[f"{noun}s_new"], changes[f"{noun}s_gone"]
        if new or gone:
            lines.append(f"- {noun}s: +{new:,}, -{gone:,}")
    for what in ("changed", "newly_dead", "newly_pending"):
        if count := changes.get(f"links_{what}"):
            lines.append(f"- {counted(count, 'link')} {what.replace('_', ' ')}")
    return "\n".join(lines if len(lines) > 2 else [lines[0][:-1] + ": nothing new."])


def describe_conditions(
    summary: Mapping[str, Any],
    changed_settings: Mapping[str, Any],
    console: Callable[[str], str | None],
) -> str:
    """Retries, throttling and slow hosts; settings that are not the defaults; software; report."""
    retries, throttled = summary["retries"], summary["throttled"]
    lines = [
        f"- requests tried again: {_list_counts(retries)}",
        f"- throttled: {_list_counts(throttled)}",
    ]
    for one in summary["slow_hosts"]:
        requests = counted(one["requests"], "slow request")
        lines.append(f"- slow host {markdown(one['host'])}: {requests} of {one['seconds']:.1f} s")
    settings = ", ".join(
        code(f"{name}={_show_setting(value)}") for name, value in changed_settings.items()
    )
    lines.append(f"- settings that are not the default: {settings or 'none'}")
    versions = summary["software"]
    lines.append(
        f"- software: image-tags {versions['image_tags']}, Prefect {versions['prefect']}, "
        f"Python {versions['python']}"
    )
    key = f"{_folder_of(summary)}/report.html"
    page = console(key)
    place = code(f"{summary['store']}/{key}", MESSAGE)
    lines.append(f"- report: {place}" + (f" ([open]({page}))" if page else ""))
    return "\n".join(lines)


def _list_counts(counts: Mapping[str, int]) -> str:
    total = sum(counts.values())
    named = ", ".join(f"{n:,} {markdown(which)}" for which, n in counts.items())
    return f"{total:,} ({named})" if total else "none"


def _show_setting(value: Any) -> str:
    text = ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return shown(text, DETAIL)


def _folder_of(summary: Mapping[str, Any]) -> str:
    return f"published/{summary['version']}" if summary["published"] else f"runs/{summary['run']}"


def describe_funnel(summary: Mapping[str, Any], images: AnyTable) -> str:
    """Counts from rows to tagged links, and remarks for readers of the tables."""
    statuses, funnel = summary["statuses"], count_funnel(summary["rows"], images)
    links = funnel.links
    steps = [
        ("rows in the source", funnel.rows, 0),
        ("links in them", links, 0),
        ("links with a picture in the store", funnel.pictures, links),
        ("distinct images", funnel.images, 0),
        ("links tagged", statuses["tagged"], links),
        ("links rejected", statuses["rejected"], links),
        ("links pending", statuses["pending"], links),
        ("rows without a link", funnel.rows_without, 0),
    ]
    lines = ["| step | count | of the links |", "|---|---:|---:|"]
    lines += [
        f"| {name} | {count:,} | {percent(count, of) if of else ''} |" for name, count, of in steps
    ]
    lines += ["", *(f"- {markdown(remark)}" for remark in summary["remarks"])]
    return "\n".join(lines).strip()


def list_reasons(images: AnyTable, examples: int = EXAMPLES) -> str:
    """Each reason with the number of its links, its meaning, and a few of the links."""
    lines = []
    for one in count_reasons(images, examples):
        status = REASONS[one.code].status
        lines.append(
            f"- **{one.links:,} {markdown(one.code)}** ({status}): {markdown(one.meaning)}"
        )
        lines += [f"    - {_format_link(link)}" for link in one.examples]
    return "\n".join(lines) or "Every link is tagged."


def list_pending(images: AnyTable, ending: Ending) -> str | None:
    """The pending links and the command that tries them again; None if there are none."""
    count = 0
    shown_links: list[Mapping[str, Any]] = []
    for part in iterate_parts(images, ["url", "reason", "detail", "status"]):
        left = part.filter(pc.equal(part["status"], str(Status.PENDING)))
        shown_links += left.slice(0, PENDING_SHOWN - len(shown_links)).to_pylist()
        count += left.num_rows
    if not count:
        return None
    lines = [f"- {image['reason']}: {_format_link(image)}" for image in shown_links]
    if count > PENDING_SHOWN:
        lines.append(f"- ... and {count - PENDING_SHOWN:,} more; all are in the table `images`.")
    return "\n\n".join([ending.as_markdown(), "### What is pending", "\n".join(lines)])


def list_checks(findings: Sequence[Mapping[str, Any]]) -> str:
    """Every expectation, those that failed first."""
    ordered = sorted(
        findings, key=lambda finding: (finding["success"], finding["severity"] != "critical")
    )
    failed = [_format_finding(one) for one in ordered if not one["success"]]
    met = [_format_finding(one) for one in ordered if one["success"]]
    return "\n".join(
        ["### Not met", "", *(failed or ["Nothing."]), "", "### Met", "", *(met or ["Nothing."])]
    )


def describe_costs(summary: Mapping[str, Any], plan: Mapping[str, Any] | None) -> str:
    """Planned and made calls by operation, and their cost."""
    planned = plan["operations"] if plan else {}
    rows = []
    for operation, account in summary["calls"].items():
        share = planned.get(operation, {})
        done = account["billed"], account["reused"], account["failed"]
        rows.append((operation, share.get("calls", 0), *done, share.get("cost_usd", 0.0)))
    total = ("all", *(sum(row[at] for row in rows) for at in range(1, 6)))
    lines = [
        "| operation | planned | made | reused | failed | planned USD |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for operation, *numbers, usd in (*rows, total) if rows else ():
        lines.append(
            f"| {markdown(operation)} | {' | '.join(f'{n:,}' for n in numbers)} | {usd:.4f} |"
        )
    prices = (plan or {}).get("prices") or {}
    at = (
        f" at prices of {markdown(str(prices['date']))} ({markdown(prices['source'])})"
        if prices
        else ""
    )
    lines += ["", f"Cost of the calls made: **{summary['cost_usd']:.4f} USD**{at}."]
    if total[2] > total[1]:
        lines += [
            "",
            "Planned is what the last try found missing; made counts every try of this run.",
        ]
    return "\n".join(lines)


def list_addresses(summary: Mapping[str, Any], console: Callable[[str], str | None]) -> str:
    """Addresses of the tables and the report.

    `console` returns the web page of a key, or None if it has none.
    """
    folder = _folder_of(summary)
    files = {"report.html": "the report", "summary.json": "counts, cost and checks for programs"}
    files |= {f"{name}.parquet": f"{rows:,} rows" for name, rows in summary["tables"].items()}
    lines = [
        "Published; readers see them now."
        if summary["published"]
        else "Not published; kept for inspection.",
        "",
    ]
    for name, what in files.items():
        page = console(f"{folder}/{name}")
        open_it = f" ([open]({page}))" if page else ""
        lines.append(
            f"- {code('/'.join((summary['store'], folder, name)), MESSAGE)}: {what}{open_it}"
        )
    return "\n".join(lines)


def _format_link(image: Mapping[str, Any]) -> str:
    detail = markdown(image["detail"] or "", DETAIL)
    return markdown(link_address(image["url"])) + (f": {detail}" if detail else "")


def _format_finding(one: Mapping[str, Any]) -> str:
    name = "" if one["success"] else f"**{one['severity']}**, "
    seen = markdown(one["detail"], DETAIL)
    return f"- {name}{markdown(one['table'])}: {markdown(one['description'])} Seen: {seen}."


def _one_option_per_line(command: str) -> str:
    words = map(shlex.quote, shlex.split(command))
    return "".join(
        f" \\\n  {word}" if word.startswith("--") else f" {word}" for word in words
    ).strip()


def _code_block(text: str) -> str:
    """A block of code, also of text with backticks."""
    fence = "`" * max(3, 1 + max(map(len, _find_backtick_runs(text)), default=0))
    return f"{fence}\n{text}\n{fence}"


def _find_backtick_runs(text: str) -> Iterator[str]:
    return (run for run in "".join(sign if sign == "`" else " " for sign in text).split())
