"""Following links: to the web where needed, to a verified picture in the store, to a record."""

import hashlib
import logging
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from queue import SimpleQueue
from threading import Lock
from typing import Protocol

from image_tags.tasks.adapters.link_records import LinkLog, LinkRecord
from image_tags.tasks.adapters.link_records.record import record_failure, record_outcome
from image_tags.tasks.adapters.pictures.verify import verify_picture
from image_tags.tasks.adapters.store.store import Store
from image_tags.tasks.adapters.web import Page
from image_tags.tasks.contracts.display import link_address, redact, shown
from image_tags.tasks.contracts.errors import ImageTagsError, LinkError, Rejected
from image_tags.tasks.contracts.reasons import Reason, Status
from image_tags.tasks.contracts.records import Fetched, Picture, picture_key
from image_tags.tasks.contracts.settings import FetchSettings

CONTENT_TYPES = {"jpg": "image/jpeg", "png": "image/png"}

OFFLINE = (
    "Nothing could be reached, not even links that led to pictures before: failures of this run do "
    "not count towards giving up links."
)

log = logging.getLogger(__name__)


class Fetcher(Protocol):
    """Fetches links; `image_tags.tasks.adapters.web.Web` does."""

    @property
    def heard_anything(self) -> bool:
        """Whether anything has answered so far."""

    def fetch(self, url: str, etag: str | None = None, last_modified: str | None = None) -> Page:
        """Fetch the page behind a link; LinkError if there is none."""


class LinkFollower:
    """Follows one link at a time to its outcome. Thread-safe.

    Args:
        web: fetches links.
        store: where pictures go.
        link_log: what is known of links, and where outcomes are recorded.
        settings: limits, and how long records hold.
        run: the run's name.
        now: seconds since the epoch.

    """

    def __init__(
        self,
        web: Fetcher,
        store: Store,
        link_log: LinkLog,
        settings: FetchSettings,
        run: str,
        now: Callable[[], float],
    ) -> None:
        self.link_log = link_log
        self._web = web
        self._store = store
        self._settings = settings
        self._run = run
        self._now = now

    def follow(self, url: str, known: LinkRecord | None) -> Fetched:
        """Return the outcome of a link: from its record where that still holds, else by fetching.

        It is recorded, unless it is pending: see `record_failures`. No link raises, whatever it
        leads to; an error of the store does.
        """
        if known and known.is_settled(self._settings, self._now()):
            return known.as_fetched
        try:
            outcome = self._fetch(url, known)
        except LinkError as error:
            outcome = Fetched(url, reason=error.reason, detail=error.detail, time=self._now())
        if _is_pending(outcome):
            return outcome
        record = record_outcome(outcome, self._settings)
        self.link_log.add(record)
        return record.as_fetched

    def record_failures(
        self, failed: Sequence[Fetched], known: Mapping[str, LinkRecord]
    ) -> list[Fetched]:
        """Record links that may succeed later; return their outcomes, some given up by now.

        Only after the others: where nothing at all answers, this machine is offline, and no failure
        counts towards giving up.
        """
        online = not failed or self._is_online()
        if not online:
            log.warning(OFFLINE)
        records = [
            record_failure(known.get(one.url), one, self._run, self._settings, online=online)
            for one in failed
        ]
        for record in records:
            self.link_log.add(record)
        return [record.as_fetched for record in records]

    def _is_online(self) -> bool:
        """Whether anything answers: a link of this run, or one that led to a picture before."""
        if self._web.heard_anything:
            return True
        for one in self.link_log.find_last_pictures():
            with suppress(Exception):  # whatever it is, only whether something answers matters here
                self._web.fetch(one.url, one.etag, one.last_modified)
            if self._web.heard_anything:
                return True
        return False

    def _fetch(self, url: str, known: LinkRecord | None) -> Fetched:
        good = known.outcome if known and known.outcome.picture else None
        page = self._fetch_page(url, good)
        if page.not_modified and known and good:
            return replace(
                good,
                reason=None,
                detail=known.remark,
                etag=page.etag or good.etag,
                last_modified=page.last_modified or good.last_modified,
                time=self._now(),
            )
        return self._store_page(url, page)

    def _fetch_page(self, url: str, good: Fetched | None) -> Page:
        """Fetch; an unexpected error of one link is tried once more, then rejects that link."""
        etag, last_modified = (good.etag, good.last_modified) if good else (None, None)
        try:
            return self._web.fetch(url, etag, last_modified)
        except ImageTagsError:
            raise
        except Exception:  # noqa: BLE001 - logged, and tried once more
            # The error's own words may hold the link with its signature.
            trace = redact(traceback.format_exc())
            log.error("Unexpected error, trying once more: %s\n%s", link_address(url), trace)
        try:
            return self._web.fetch(url, etag, last_modified)
        except ImageTagsError:
            raise
        except Exception as error:
            detail = f"unexpected error, twice: {type(error).__name__}: {shown(str(error))}"
            raise Rejected(Reason.HTTP_ERROR, detail) from error

    def _store_page(self, url: str, page: Page) -> Fetched:
        try:
            verified = verify_picture(page.body, self._settings)
        except Rejected as error:
            if page.cut_short is None:
                raise
            raise Rejected(Reason.TRUNCATED, f"{page.cut_short}; {error.detail}") from None
        image_id = hashlib.sha256(page.body).hexdigest()
        picture = Picture(
            image_id=image_id,
            key=picture_key(image_id, verified.extension),
            size=len(verified.data),
            width=verified.width,
            height=verified.height,
        )
        content_type = CONTENT_TYPES[verified.extension]
        added = self._store.add(picture.key, verified.data, content_type, durable=False)
        # After a power cut an object may be cut short; another run may have stored it otherwise.
        if not added and self._store.size(picture.key) != picture.size:
            self._store.write(picture.key, verified.data, content_type, durable=False)
        return Fetched(
            url=url,
            picture=picture,
            format=verified.format,
            bytes=len(page.body),
            detail=verified.remark,
            etag=page.etag,
            last_modified=page.last_modified,
            time=self._now(),
        )


def follow_links(
    urls: Sequence[str],
    follower: LinkFollower,
    threads: int,
    report_done: Callable[[Fetched], None],
    *,
    ignore_records: bool = False,
) -> list[Fetched]:
    """Return the outcome of each distinct URL, in the order of first appearance.

    `report_done` is called in the caller's thread as links are done, in any order. With
    `ignore_records`, links are fetched whatever is known of them.
    """
    distinct = list(dict.fromkeys(urls))
    known = {} if ignore_records else follower.link_log.find(distinct)
    outcomes: dict[str, Fetched] = {}
    for outcome in _work_in_threads(
        lambda url: follower.follow(url, known.get(url)), distinct, threads
    ):
        outcomes[outcome.url] = outcome
        report_done(outcome)
    failed = [one for one in outcomes.values() if _is_pending(one)]
    outcomes.update((one.url, one) for one in follower.record_failures(failed, known))
    return [outcomes[url] for url in distinct]


def _is_pending(outcome: Fetched) -> bool:
    return outcome.reason is not None and outcome.reason.status is Status.PENDING


def _work_in_threads(
    work: Callable[[str], Fetched], urls: Sequence[str], threads: int
) -> Iterator[Fetched]:
    """Yield the outcomes as they come.

    Threads take the next URL when they are done with one, so nothing queues up.
    """
    if len(urls) == 1:
        yield work(urls[0])
        return
    waiting, lock = iter(urls), Lock()
    done: SimpleQueue[Fetched | BaseException] = SimpleQueue()

    def take_and_work() -> None:
        while True:
            with lock:
                url = next(waiting, None)
            if url is None:
                return
            try:
                done.put(work(url))
            except BaseException as error:  # noqa: BLE001 - raised in the caller's thread
                done.put(error)
                return

    with ThreadPoolExecutor(min(threads, len(urls)) or 1, thread_name_prefix="fetch") as pool:
        for _ in range(min(threads, len(urls))):
            pool.submit(take_and_work)
        try:
            for _ in urls:
                outcome = done.get()
                if isinstance(outcome, BaseException):
                    raise outcome
                yield outcome
        finally:
            with lock:
                waiting = iter(())
