"""Fetch each distinct link that is not known, verify its picture, and store both."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from prefect import task
from prefect.logging import get_run_logger

from image_tags.tasks.adapters import progress
from image_tags.tasks.adapters.link_records import LinkLog
from image_tags.tasks.contracts.display import counted, link_address, shown
from image_tags.tasks.contracts.link_text import link_spellings
from image_tags.tasks.contracts.reasons import Reason, Status
from image_tags.tasks.contracts.records import BatchDone, Fetched, distinct_urls
from image_tags.tasks.contracts.settings import FetchSettings
from image_tags.tasks.execution.batches import (
    Batch,
    batch_size,
    batches_of,
    digest_of,
)
from image_tags.tasks.execution.mapping import threads_per_batch
from image_tags.tasks.execution.resources import RunResources
from image_tags.tasks.execution.run_folder import load_links, save_fetched
from image_tags.tasks.execution.task_options import (
    cache_key_of,
    make_batch_error,
    may_succeed_later,
)
from image_tags.tasks.ingest.follow_links import LinkFollower, follow_links

UNREACHABLE = frozenset({Reason.CONNECTION_FAILED, Reason.TIMEOUT})
"""Reasons of links whose host is dead, as far as anyone can see.

They fail no task run: 50 dead hosts among 1,000 links would fail most batches of a healthy feed.
"""

KNOWN_PART = 5_000
"""Known links whose outcomes are saved, and in memory, together."""


@dataclass(frozen=True)
class LinkWork:
    """The distinct links of a run: what is known is saved already, the rest is in batches.

    Attributes:
        known: the digests under which known outcomes are saved in the run's folder.
        batches: the links to fetch.

    """

    known: list[str]
    batches: list[Batch[str]]

    @property
    def digests(self) -> list[str]:
        """The digests under which all outcomes are saved once the batches are done."""
        return [*self.known, *(batch.digest for batch in self.batches)]


def plan_links(resources: RunResources) -> LinkWork:
    """Save what is known of the staged source's links, and divide the others into batches.

    Links are looked up in the link records as one table: no request is made for a known link, nor
    for its picture.
    """
    settings = resources.settings
    with resources.clock.measure("ingest_images"):
        urls = distinct_urls(load_links(resources.store, resources.run))
        known: list[str] = []
        settled: set[str] = set()
        for part in iterate_settled(
            urls, resources.link_log, settings.only(FetchSettings), time.time()
        ):
            digest = digest_of([one.url for one in part])
            save_fetched(resources.store, resources.run, digest, part)
            known.append(digest)
            settled.update(one.url for one in part)
        left = [url for url in urls if url not in settled]
    if settled:
        get_run_logger().info("%s known, %d to fetch.", counted(len(settled), "link"), len(left))
    size = batch_size(len(left), settings.batch_size)
    return LinkWork(known, batches_of("ingest", left, left, size))


def iterate_settled(
    urls: Sequence[str],
    link_log: LinkLog,
    settings: FetchSettings,
    now: float,
    part_size: int = KNOWN_PART,
) -> Iterator[list[Fetched]]:
    """Yield, part by part, the outcomes of the links that need not be asked again.

    The records of known links that have to be asked stay in the log's memory: their ETag and
    number of failures are needed when they are.
    """
    part: list[Fetched] = []
    for records in link_log.read(urls):
        for record in records:
            if record.is_settled(settings, now):
                part.append(record.as_fetched)
            else:
                link_log.keep_in_memory(record)
            if len(part) == part_size:
                yield part
                part = []
    if part:
        yield part


@task(
    task_run_name="{batch.name}",
    persist_result=True,
    cache_key_fn=cache_key_of("ingest_images", FetchSettings),
    retry_condition_fn=may_succeed_later,
)
def ingest_images(resources: RunResources, batch: Batch[str]) -> BatchDone:
    """Fetch, verify and store a batch of links; the outcomes are kept in the run's folder.

    Raises:
        BatchFailed: some are left pending; all others are saved.

    """
    settings = resources.settings.only(FetchSettings)
    store, link_log, logger = resources.store, resources.link_log, get_run_logger()

    def report_done(one: Fetched) -> None:
        progress.advance_step("ingest_images")
        logger.debug(
            "%s: %s %s", link_address(one.url), one.reason or "stored", shown(one.detail or "")
        )

    done = follow_links(
        batch.items,
        LinkFollower(resources.web, store, link_log, settings, resources.run, time.time),
        threads_per_batch(settings.fetch_threads, batch.of),
        report_done,
    )
    save_fetched(store, resources.run, batch.digest, done)
    outcomes = Counter(str(one.reason or "stored") for one in done)
    logger.debug(
        "%s: %s",
        counted(len(done), "link"),
        ", ".join(f"{n:,} {outcome}" for outcome, n in outcomes.most_common()),
    )
    unreachable = Counter(_find_host(one.url) for one in done if one.reason in UNREACHABLE)
    pending = [
        (one.url, one.reason, one.detail or "")
        for one in done
        if one.reason and one.reason.status is Status.PENDING and one.reason not in UNREACHABLE
    ]
    if pending:
        link_log.flush()  # so that another try finds what is done
        raise make_batch_error(pending, "link", outcomes, unreachable)
    return BatchDone(batch.step, len(done), dict(outcomes), dict(unreachable))


def _find_host(url: str) -> str:
    return urlsplit(link_spellings(url)[0]).netloc.rpartition("@")[2]
