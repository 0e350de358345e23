"""Fetching links from the open web: redirects and retries within one deadline per link."""

import time
from collections.abc import Callable
from typing import Self, TypeVar

from requests import Response
from requests.cookies import RequestsCookieJar

from image_tags.tasks.adapters.retries.backoff import pause_before
from image_tags.tasks.adapters.retries.tally import Tally
from image_tags.tasks.adapters.web import answers, failures
from image_tags.tasks.adapters.web.addresses import Target, parse_link
from image_tags.tasks.adapters.web.budget import Budget
from image_tags.tasks.adapters.web.data_links import decode_data_link, is_data_link
from image_tags.tasks.adapters.web.hosts import Hosts
from image_tags.tasks.adapters.web.page import Page, read_page, read_robots_txt
from image_tags.tasks.adapters.web.resolver import IsDenied, Lookup, Resolver
from image_tags.tasks.adapters.web.robots import Robots
from image_tags.tasks.adapters.web.session import Session
from image_tags.tasks.contracts.errors import LinkError, Rejected, Transient
from image_tags.tasks.contracts.link_text import link_spellings
from image_tags.tasks.contracts.reasons import Reason
from image_tags.tasks.contracts.settings import FetchSettings

FIRST_BACKOFF = 0.5
LONGEST_BACKOFF = 60.0
"""Seconds before the second try, and before any; see `pause_before`."""

T = TypeVar("T")


_MAY_BE_MISSPELT = frozenset(
    {
        Reason.NOT_FOUND,
        Reason.FORBIDDEN,
        Reason.HTTP_ERROR,
        Reason.INVALID_URL,
        Reason.CONNECTION_FAILED,
        Reason.TIMEOUT,
    }
)
"""Reasons for which another spelling of the link may lead to the picture."""


class Web:
    """Fetches links; one instance per process and settings. Thread-safe.

    Proxy settings of the environment are ignored.
    """

    def __init__(
        self,
        settings: FetchSettings,
        lookup: Lookup | None = None,
        is_denied: IsDenied | None = None,
        tally: Tally | None = None,
    ) -> None:
        self.settings = settings
        self._tally = tally or Tally()
        self._resolver = Resolver(settings.fetch_threads, lookup, is_denied)
        self._hosts = Hosts(settings.per_host)
        self._robots = Robots()
        self._session = Session(settings, self._resolver)

    def fetch(self, url: str, etag: str | None = None, last_modified: str | None = None) -> Page:
        """Fetch the page behind a link, following redirects and retrying transient failures.

        With `etag` or `last_modified` the request is conditional.

        Raises:
            LinkError: Rejected or transient, if there is no page.
        """
        if is_data_link(url):
            return Page(decode_data_link(url, self.settings.max_bytes), None, None)
        headers = {"If-None-Match": etag, "If-Modified-Since": last_modified}
        asked = {name: value for name, value in headers.items() if value}
        budget = Budget(self.settings)
        *others, last = link_spellings(url)
        for spelling in others:
            try:
                return self._fetch_address(spelling, asked, budget)
            except LinkError as error:
                if not _may_try_another(error, spelling, last):
                    raise
        return self._fetch_address(last, asked, budget)

    def _fetch_address(self, address: str, asked: dict[str, str], budget: Budget) -> Page:
        """Fetch one spelling of a link, retrying transient failures."""
        target = parse_link(address)
        cut_at: set[object] = set()
        attempt = 0
        while True:
            try:
                with budget.used_here():
                    return self._follow_redirects(target, asked, budget)
            except Transient as failure:
                if isinstance(failure, failures.CutShort):
                    if failure.place in cut_at:
                        cut_short = f"{failure.detail}, each time"
                        if failure.body:
                            return Page(failure.body, None, None, cut_short=cut_short)
                        raise Rejected(Reason.TRUNCATED, cut_short) from None
                    cut_at.add(failure.place)
                self._back_off(attempt, failure, budget)
            attempt += 1

    @property
    def heard_anything(self) -> bool:
        """Whether anything answered so far, if only by a refusal; if not, we may be offline."""
        return self._resolver.heard_anything

    def close(self) -> None:
        """Close all connections."""
        self._session.close()
        self._resolver.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _back_off(self, attempt: int, failure: Transient, budget: Budget) -> None:
        """Wait for the next try; raise the failure if there is none before the deadline."""
        pause = pause_before(attempt + 1, FIRST_BACKOFF, LONGEST_BACKOFF)
        wait = max(pause, failure.retry_after or 0.0)
        if attempt >= self.settings.fetch_retries or time.monotonic() + wait >= budget.deadline:
            raise failure
        self._tally.count("retries", "fetch")
        time.sleep(wait)

    def _follow_redirects(self, target: Target, asked: dict[str, str], budget: Budget) -> Page:
        # Some sites redirect in a circle until a cookie comes back; it lives as long as this loop.
        cookies = RequestsCookieJar()
        for _ in range(self.settings.max_redirects + 1):
            if self.settings.respect_robots_txt:
                self._robots.check_url(
                    target.url, lambda url: self._fetch_robots_txt(url, budget), budget.seconds_left
                )
            outcome = self._send_in_turn(
                target,
                asked,
                budget,
                lambda answer: read_page(answer, bool(asked), budget),
                cookies,
            )
            if isinstance(outcome, Page):
                return outcome
            target = outcome
        raise Rejected(
            Reason.TOO_MANY_REDIRECTS,
            f"more than {self.settings.max_redirects} redirects (max_redirects)",
        )

    def _fetch_robots_txt(self, url: str, budget: Budget) -> str:
        """Return the text of a robots.txt; 4xx means no rules, 5xx ask later (RFC 9309, 2.3.1)."""
        target = parse_link(url)
        for _ in range(self.settings.max_redirects + 1):
            outcome = self._send_in_turn(
                target, {}, budget, lambda answer: read_robots_txt(answer, budget)
            )
            if isinstance(outcome, str):
                return outcome
            target = outcome
        return ""

    def _send_in_turn(
        self,
        target: Target,
        headers: dict[str, str],
        budget: Budget,
        read: Callable[[Response], T],
        cookies: RequestsCookieJar | None = None,
    ) -> T | Target:
        """Send one request in the site's turn; return a redirect's target or `read`'s result."""
        with self._hosts.wait_turn(target.site) as waited:
            budget.deadline += waited  # waiting in our own queue is not the server's fault
            started = time.monotonic()
            try:
                outcome = self._send_request(target, headers, budget, read, cookies)
            except Transient as failure:
                self._hosts.record_failure(target.site, failure)
                if isinstance(failure, failures.AskedToWait):
                    self._tally.count("throttled", "fetch")
                raise
            except Rejected:
                self._hosts.record_answer(target.site)
                raise
            finally:
                self._tally.count_request(target.site, time.monotonic() - started)
            self._hosts.record_answer(target.site)
            return outcome

    def _send_request(
        self,
        target: Target,
        headers: dict[str, str],
        budget: Budget,
        read: Callable[[Response], T],
        cookies: RequestsCookieJar | None,
    ) -> T | Target:
        try:
            with self._session.get_once(target.url, headers, cookies) as response:
                location = response.headers.get("Location")
                if response.status_code not in failures.REDIRECTS or not location:
                    return read(response)
                answers.drain_body(response.raw)
                return answers.resolve_redirect(target, location)
        except failures.NETWORK_ERRORS as error:
            raise failures.classify_exception(error, budget.heard) from None


def _may_try_another(error: LinkError, spelling: str, other: str) -> bool:
    """Whether another spelling of a link is worth a request.

    A transient failure leaves open whether this spelling is right, unless the other one uses
    another scheme, which this server may not speak.
    """
    other_scheme = spelling.partition(":")[0] != other.partition(":")[0]
    return error.reason in _MAY_BE_MISSPELT and (other_scheme or isinstance(error, Rejected))
