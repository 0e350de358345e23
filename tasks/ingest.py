"""Fetch each distinct link once, verify the picture, put it into the store, and remember what
became of the link.
"""

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from queue import SimpleQueue
from threading import Lock
from typing import Protocol
from urllib.parse import urlsplit

from prefect import task
from prefect.logging import get_run_logger

from image_tags.tasks.adapters import progress
from image_tags.tasks.adapters.link_records import links
from image_tags.tasks.adapters.pictures.verify import verify_picture
from image_tags.tasks.adapters.store.store import Store
from image_tags.tasks.adapters.web import Page
from image_tags.tasks.contracts.display import counted, link_address, shown
from image_tags.tasks.contracts.errors import LinkError
from image_tags.tasks.contracts.reasons import Reason, Status
from image_tags.tasks.contracts.records import (
    BatchDone,
    Fetched,
    Picture,
    distinct_urls,
    picture_key,
)
from image_tags.tasks.contracts.settings import FetchSettings
from image_tags.tasks.execution.batches import Batch, batch_size, batches_of
from image_tags.tasks.execution.mapping import threads_per_batch
from image_tags.tasks.execution.resources import RunResources
from image_tags.tasks.execution.run_folder import load_links, save_fetched
from image_tags.tasks.execution.task_options import (
    cache_key_of,
    make_batch_error,
    may_succeed_later,
)

UNREACHABLE = frozenset({Reason.CONNECTION_FAILED, Reason.TIMEOUT})
"""Reasons of links whose host is dead, as far as anyone can see.

They fail no task run: 50 dead hosts among 1,000 links would fail most batches of a healthy feed.
"""

CONTENT_TYPES = {"jpg": "image/jpeg", "png": "image/png"}


def make_link_batches(resources: RunResources) -> list[Batch[str]]:
    """The distinct links of the staged source, in batches."""
    urls = distinct_urls(load_links(resources.store, resources.run))
    return batches_of("ingest", urls, urls, batch_size(len(urls), resources.settings.batch_size))


@task(
    task_run_name="{batch.step} {batch.number} of {batch.of}",
    persist_result=True,
    cache_key_fn=cache_key_of("ingest_images", FetchSettings),
    retry_condition_fn=may_succeed_later,
)
def ingest_images(resources: RunResources, batch: Batch[str]) -> BatchDone:
    """Fetch, verify and store a batch of links; what became of each is kept in the run's folder.

    Raises:
        BatchFailed: some are left pending; all others are saved.

    """
    fetching = resources.settings.only(FetchSettings)
    fetching = fetching.model_copy(
        update={"fetch_threads": threads_per_batch(fetching.fetch_threads, batch.of)}
    )
    store = resources.store
    logger = get_run_logger()

    def on_done(one: Fetched) -> None:
        progress.advance_step("ingest_images")
        logger.debug(
            "%s: %s %s", link_address(one.url), one.reason or "stored", shown(one.detail or "")
        )

    done = ingest_links(batch.items, resources.web, store, fetching, time.time, on_done)
    save_fetched(store, resources.run, batch.digest, done)
    outcomes = Counter(str(one.reason or "stored") for one in done)
    logger.debug(
        "%s: %s",
        counted(len(done), "link"),
        ", ".join(f"{n:,} {what}" for what, n in outcomes.most_common()),
    )
    unreachable = Counter(_host_of(one.url) for one in done if one.reason in UNREACHABLE)
    pending = [
        (one.url, one.reason, one.detail or "")
        for one in done
        if one.reason and one.reason.status is Status.PENDING and one.reason not in UNREACHABLE
    ]
    if pending:
        raise make_batch_error(pending, "link", outcomes, unreachable)
    return BatchDone(batch.step, len(done), dict(outcomes), dict(unreachable))


def _host_of(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]


class Fetcher(Protocol):
    """Whoever follows a link; `image_tags.tasks.adapters.web.Web` does."""

    def fetch(self, url: str, etag: str | None = None, last_modified: str | None = None) -> Page:
        """The page behind a link; LinkError if there is none."""


def ingest_links(
    urls: Sequence[str],
    web: Fetcher,
    store: Store,
    settings: FetchSettings,
    now: Callable[[], float],
    on_done: Callable[[Fetched], None],
) -> list[Fetched]:
    """What became of each distinct URL, in the order of first appearance. No link raises, whatever
    it leads to.

    `on_done` is called in the caller's thread as links get done, in any order; `now` is seconds
    since the epoch.
    """
    distinct = list(dict.fromkeys(urls))
    outcomes: dict[str, Fetched] = {}
    for fetched in _each(
        lambda url: ingest_link(url, web, store, settings, now), distinct, settings.fetch_threads
    ):
        outcomes[fetched.url] = fetched
        on_done(fetched)
    return [outcomes[url] for url in distinct]


def ingest_link(
    url: str, web: Fetcher, store: Store, settings: FetchSettings, now: Callable[[], float]
) -> Fetched:
    """What became of one URL: from its record where that still holds, else from the web."""
    known = _known(url, store, settings)
    if known and _still_holds(*known, settings, now()):
        return known[0]
    good = known[0] if known and known[0].picture else None
    try:
        page = web.fetch(url, good.etag, good.last_modified) if good else web.fetch(url)
        if page.not_modified and good:
            fetched = replace(
                good,
                etag=page.etag or good.etag,
                last_modified=page.last_modified or good.last_modified,
                time=now(),
            )
        else:
            fetched = _stored(url, page, store, settings, now)
    except LinkError as error:
        fetched = Fetched(url, reason=error.reason, detail=error.detail, time=now())
        if good and error.reason.status is Status.PENDING:
            return fetched  # what is known of the picture stays known for the next run
    links.remember(store, fetched, settings)
    return fetched


def _known(url: str, store: Store, settings: FetchSettings) -> tuple[Fetched, bool] | None:
    known = links.recall(store, url, settings)
    if known and known[0].picture and store.size(known[0].picture.key) != known[0].picture.size:
        return None
    return known


def _still_holds(
    fetched: Fetched, same_settings: bool, settings: FetchSettings, now: float
) -> bool:
    """Whether a record needs no asking. One from the future is not trusted."""
    if fetched.reason and fetched.reason.status is Status.PENDING:
        return False
    limit = settings.fresh_for if fetched.picture else settings.retry_rejected_after
    return same_settings and 0 <= now - fetched.time < limit


def _stored(
    url: str, page: Page, store: Store, settings: FetchSettings, now: Callable[[], float]
) -> Fetched:
    verified = verify_picture(page.body, settings)
    image_id = hashlib.sha256(page.body).hexdigest()
    picture = Picture(
        image_id=image_id,
        key=picture_key(image_id, verified.extension),
        size=len(verified.data),
        width=verified.width,
        height=verified.height,
    )
    content_type = CONTENT_TYPES[verified.extension]
    added = store.add(picture.key, verified.data, content_type, durable=False)
    if not added and store.size(picture.key) != picture.size:  # a power cut came between
        store.write(picture.key, verified.data, content_type, durable=False)
    return Fetched(
        url=url,
        picture=picture,
        format=verified.format,
        bytes=len(page.body),
        detail=verified.remark,
        etag=page.etag,
        last_modified=page.last_modified,
        time=now(),
    )


def _each(work: Callable[[str], Fetched], urls: Sequence[str], threads: int) -> Iterator[Fetched]:
    """The outcomes as they come.

    Threads take the next URL when they are done with one, so nothing queues up.
    """
    if len(urls) == 1:
        yield work(urls[0])
        return
    waiting, lock = iter(urls), Lock()
    done: SimpleQueue[Fetched | BaseException] = SimpleQueue()

    def take() -> None:
        while True:
            with lock:
                url = next(waiting, None)
            if url is None:
                return
            try:
                done.put(work(url))
            except BaseException as error:  # noqa: BLE001 - handed to the caller's thread, which raises it
                done.put(error)
                return

    with ThreadPoolExecutor(min(threads, len(urls)) or 1, thread_name_prefix="fetch") as pool:
        for _ in range(min(threads, len(urls))):
            pool.submit(take)
        try:
            for _ in urls:
                outcome = done.get()
                if isinstance(outcome, BaseException):
                    raise outcome
                yield outcome
        finally:
            with lock:
                waiting = iter(())
