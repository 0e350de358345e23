"""`image-tags plan`: the first steps of a run, without Prefect and without a paid call."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from image_tags.tasks.adapters import progress
from image_tags.tasks.adapters.link_records import links
from image_tags.tasks.adapters.store.store import Store
from image_tags.tasks.contracts.prices import prices_for
from image_tags.tasks.contracts.reasons import Status
from image_tags.tasks.contracts.records import Fetched
from image_tags.tasks.contracts.settings import FetchSettings, Settings
from image_tags.tasks.execution.resources import (
    analyzer_for,
    ledger_for,
    let_go,
    part,
    store_for,
    web_for,
)
from image_tags.tasks.ingest import ingest_links
from image_tags.tasks.plan import Plan, distinct_pictures, make_plan, plan_sentences
from image_tags.tasks.source.step import distinct_urls, links_of, load_source

NAME = "plan"
"""What stands for the run's name among the things that a run shares."""


@dataclass(frozen=True)
class Planned:
    """A plan and what it rests on.

    Attributes:
        rows: of the source.
        links: in it.
        urls: distinct links.
        new: distinct links that are not known as pictures; without fetching, each may bring one
            image more.
        plan: for the images that are known.
        over: by how many USD the plan is over `max_cost`; 0 if it is not.
        fetched: whether new links were fetched for the plan.

    """

    rows: int
    links: int
    urls: int
    new: int
    plan: Plan
    over: float
    fetched: bool

    @property
    def lines(self) -> list[str]:
        """For a person."""
        lines = [f"{self.rows:,} rows, {self.links:,} links, {self.urls:,} of them distinct."]
        if self.fetched:
            lines.append(
                f"All were looked up now and are in the store; {self.new:,} have no picture."
            )
        elif self.new:
            most = self.new * len(self.plan.operations)
            lines.append(
                f"{self.new:,} links are not fetched yet: up to as many images and {most:,} calls more."
            )
        lines += plan_sentences(self.plan)
        if self.over:
            lines.append(
                f"That is {self.over:.2f} USD over --max-cost: a run would stop before it pays."
            )
        return lines

    def as_json(self) -> dict[str, Any]:
        """For a program."""
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
            **self.plan.as_json(),
        }


def plan_run(settings: Settings, fetch: bool) -> Planned:
    """What a run would do.

    With `fetch`, new links are fetched and stored, so that the run need not do it again.
    """
    source = load_source(settings.source, settings.url_column, settings.store)
    found = links_of(source.table, source.url_column)
    urls = distinct_urls(found)
    try:
        store = store_for(NAME, settings)
        known = _fetched(urls, settings, store) if fetch else _known(urls, settings, store)
        ledgers = {
            operation: ledger_for(NAME, settings, operation) for operation in settings.operations
        }
        prices = prices_for(settings)
        plan = make_plan(
            distinct_pictures(known), analyzer_for(NAME, settings), ledgers, prices
        ).plan
    finally:
        let_go(NAME)
    new = len(urls) - sum(one.picture is not None for one in known)
    over = max(0.0, plan.cost_usd - settings.max_cost) if settings.max_cost is not None else 0.0
    return Planned(source.table.num_rows, len(found), len(urls), new, plan, over, fetch)


def _fetched(urls: Sequence[str], settings: Settings, store: Store) -> list[Fetched]:
    with progress.track_step("ingest_images", len(urls)):
        return ingest_links(
            urls,
            web_for(NAME, settings),
            store,
            part(settings, FetchSettings),
            time.time,
            lambda _: progress.advance_step("ingest_images"),
        )


def _known(urls: Sequence[str], settings: Settings, store: Store) -> list[Fetched]:
    fetching = part(settings, FetchSettings)
    recalled = (links.recall(store, url, fetching) for url in urls)
    return [
        known[0]
        for known in recalled
        if known and (known[0].reason is None or known[0].reason.status is Status.REJECTED)
    ]
