"""`image-tags plan`: the first steps of a run, without Prefect and without a paid call."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from image_tags.tasks.adapters import progress
from image_tags.tasks.contracts.display import counted
from image_tags.tasks.contracts.prices import prices_for
from image_tags.tasks.contracts.reasons import Status
from image_tags.tasks.contracts.records import Fetched, distinct_pictures, distinct_urls
from image_tags.tasks.contracts.settings import FetchSettings, Settings, SourceSettings
from image_tags.tasks.execution.resources import RunResources
from image_tags.tasks.ingest.follow_links import LinkFollower, follow_links
from image_tags.tasks.plan.step import plan_sentences
from image_tags.tasks.plan.work import Plan, make_plan
from image_tags.tasks.source.step import links_of, load_source_of

NAME = "plan"
"""The name of the run that only plans."""


@dataclass(frozen=True, repr=False)
class Planned:
    """A plan and the counts behind it.

    Attributes:
        rows: of the source.
        links: in the source.
        urls: distinct links.
        new: distinct links that are not known as pictures; each may bring one more image.
        plan: for the images that are known.
        over: USD by which the plan exceeds `max_cost`; 0 if it does not.
        fetched: whether new links were fetched for the plan.
        remarks: sentences on what was guessed about the source.

    """

    rows: int
    links: int
    urls: int
    new: int
    plan: Plan
    over: float
    fetched: bool
    remarks: tuple[str, ...] = ()

    @property
    def lines(self) -> list[str]:
        """Sentences for the screen."""
        lines = [
            f"{counted(self.rows, 'row')}, {counted(self.links, 'link')}, "
            f"{self.urls:,} of them distinct."
        ]
        if self.fetched:
            lines.append(
                f"All of them were fetched and are in the store; {self.new:,} have no picture."
            )
        elif self.new:
            most = self.new * len(self.plan.operations)
            lines.append(
                f"{counted(self.new, 'link')} not fetched yet: up to as many more images and "
                f"{counted(most, 'more call')}."
            )
        lines[1:1] = self.remarks
        lines += plan_sentences(self.plan)
        if self.over:
            lines.append(
                f"That is {self.over:.2f} USD over --max-cost: a run would stop before paying."
            )
        return lines

    def __repr__(self) -> str:
        """The sentences, for a notebook."""
        return "\n".join(self.lines)

    def as_json(self) -> dict[str, Any]:
        """Counts and costs for a program."""
        counts = {
            "rows": self.rows,
            "links": self.links,
            "distinct_links": self.urls,
            "links_without_picture": self.new,
        }
        return {
            **counts,
            "fetched": self.fetched,
            "over_max_cost_usd": self.over,
            "remarks": list(self.remarks),
            **self.plan.as_json(),
        }


def plan_run(settings: Settings, fetch: bool) -> Planned:
    """Work out what a run would do.

    With `fetch`, new links are fetched and stored, so that the run need not do it again.
    """
    source = load_source_of(settings.only(SourceSettings), settings.store)
    found = links_of(source.table, source.url_column)
    urls = distinct_urls(found)
    with RunResources(NAME, settings) as resources:
        known = _fetch_links(urls, resources) if fetch else _recall_links(urls, resources)
        pictures, prices = distinct_pictures(known), prices_for(settings)
        plan = make_plan(pictures, resources.analyzer, resources.ledgers, prices).plan
    new = len(urls) - sum(one.picture is not None for one in known)
    over = max(0.0, plan.cost_usd - settings.max_cost) if settings.max_cost is not None else 0.0
    rows = source.table.num_rows
    return Planned(rows, len(found), len(urls), new, plan, over, fetch, source.remarks)


def _fetch_links(urls: Sequence[str], resources: RunResources) -> list[Fetched]:
    settings = resources.settings.only(FetchSettings)
    follower = LinkFollower(
        resources.web, resources.store, resources.link_log, settings, resources.run, time.time
    )
    with progress.track_step("ingest_images", len(urls)):
        return follow_links(
            urls,
            follower,
            settings.fetch_threads,
            lambda _: progress.advance_step("ingest_images"),
        )


def _recall_links(urls: Sequence[str], resources: RunResources) -> list[Fetched]:
    outcomes = [record.as_fetched for record in resources.link_log.find(urls).values()]
    return [one for one in outcomes if not one.reason or one.reason.status is Status.REJECTED]
