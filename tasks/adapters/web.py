"""Following links on the open web: requests behind a hardened session, with limits on everything.

What requests-hardened gives is the session that never redirects by itself and a second opinion on each address. Its own
adapter is not used: it looks names up without a deadline and knows no exception but loopback. The address rule, the
deadline and the byte caps are kept by the connections in `tasks.adapters.sockets`.
"""

import random
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Self
from urllib.parse import urljoin

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests_hardened import Config, HTTPSession
from urllib3.response import HTTPResponse

from tasks.adapters import failures, manners, sockets
from tasks.adapters.addresses import Target, parse
from tasks.adapters.hosts import Hosts
from tasks.contracts.errors import Passing, Rejected
from tasks.contracts.reasons import Reason
from tasks.contracts.settings import FetchSettings

MAX_BACKOFF = 10.0
"""Seconds between two tries at most."""

_REDIRECTS = (301, 302, 303, 307, 308)
_PICTURES = (200, 203)


@dataclass(frozen=True)
class Page:
    """What a link led to. `body` is empty when the server says that nothing changed."""

    body: bytes
    etag: str | None
    last_modified: str | None
    not_modified: bool = False


class Web:
    """Fetches links; one for a process and its settings. Thread-safe. Proxy settings of the environment are ignored."""

    def __init__(self, settings: FetchSettings, resolve: sockets.Resolve | None = None) -> None:
        self.settings = settings
        self._resolve = resolve or socket.getaddrinfo
        self._resolving = ThreadPoolExecutor(settings.fetch_threads, thread_name_prefix="resolve")
        self._hosts = Hosts(settings.per_host)
        self._session = _Session(settings)

    def fetch(self, url: str, etag: str | None = None, last_modified: str | None = None) -> Page:
        """The page behind a link, after redirects and retries; LinkError (Rejected or Passing) if there is none.

        With `etag` or `last_modified` the server is asked only for what changed since.
        """
        target = parse(url)
        headers = {"If-None-Match": etag, "If-Modified-Since": last_modified}
        asked = {name: value for name, value in headers.items() if value}
        budget = sockets.Budget(self.settings, self._resolve, self._resolving)
        cut_at: set[int] = set()
        for attempt in range(self.settings.fetch_retries + 1):
            try:
                with sockets.spending(budget):
                    return self._followed(target, asked, budget)
            except failures.CutShort as failure:
                if failure.received in cut_at:
                    raise Rejected(Reason.TRUNCATED, f"{failure.detail}, each time") from None
                cut_at.add(failure.received)
                self._back_off(attempt, failure, budget)
            except Passing as failure:
                self._back_off(attempt, failure, budget)
        raise AssertionError("the last attempt returns or raises")

    def close(self) -> None:
        """Close all connections."""
        self._session.close()
        self._resolving.shutdown(wait=False, cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _back_off(self, attempt: int, failure: Passing, budget: sockets.Budget) -> None:
        """Wait for the next try; raise the failure again if there is none."""
        wait = min(0.5 * 2**attempt, MAX_BACKOFF) * random.uniform(0.5, 1.0)
        wait = max(wait, failure.retry_after or 0.0)
        if attempt >= self.settings.fetch_retries or time.monotonic() + wait >= budget.deadline:
            raise failure
        time.sleep(wait)

    def _followed(self, target: Target, asked: dict[str, str], budget: sockets.Budget) -> Page:
        for _ in range(self.settings.max_redirects + 1):
            outcome = self._asked(target, asked, budget)
            if isinstance(outcome, Page):
                return outcome
            target = outcome
        raise Rejected(Reason.TOO_MANY_REDIRECTS, f"more than {self.settings.max_redirects} redirects")

    def _asked(self, target: Target, asked: dict[str, str], budget: sockets.Budget) -> Page | Target:
        """One request and its answer: a page, or where it leads on."""
        with self._hosts.turn(target.site) as waited:
            budget.deadline += waited  # our own queue is not the server's fault
            budget.allow(
                sockets.MAX_HEADER, Rejected(Reason.HTTP_ERROR, f"headers of more than {sockets.MAX_HEADER:,} bytes")
            )
            try:
                response = self._session.get_once(target.url, asked)
                try:
                    return self._judged(target, response, asked, budget)
                finally:
                    response.close()
            except failures.NETWORK_ERRORS as error:
                raise failures.of_exception(error) from None

    def _judged(self, target: Target, response: Response, asked: dict[str, str], budget: sockets.Budget) -> Page | Target:
        status = response.status_code
        location = response.headers.get("Location")
        if status in _REDIRECTS and location:
            next_target = _redirected(target, location)
            _discard(response.raw)
            return next_target
        if status in (429, 503):
            wait = manners.retry_after(response.headers.get("Retry-After"), time.time)
            self._hosts.slow_down(target.site, wait)
            raise failures.of_status(status, wait)
        self._hosts.speed_up(target.site)
        not_modified = status == 304 and bool(asked)
        if status not in _PICTURES and not not_modified:
            raise failures.of_status(status, manners.retry_after(response.headers.get("Retry-After"), time.time))
        if self.settings.respect_opt_outs:
            directive = manners.opted_out(response.raw.headers.getlist("X-Robots-Tag"))
            if directive:
                raise Rejected(Reason.OPTED_OUT, f"the site asks not to use it (X-Robots-Tag: {directive})")
        body = b"" if not_modified else self._body(response.raw, budget)
        return Page(body, _validator(response, "ETag"), _validator(response, "Last-Modified"), not_modified)

    def _body(self, raw: HTTPResponse, budget: sockets.Budget) -> bytes:
        """The decoded body, read no further than the cap."""
        cap = self.settings.max_bytes
        too_large = Rejected(Reason.TOO_LARGE, f"more than {cap:,} bytes (max_bytes)")
        if raw.length_remaining is not None and raw.length_remaining > cap:
            raise too_large
        # Chunked bodies carry more than their bytes, but never as much again unless somebody means harm.
        budget.allow(2 * cap + sockets.MAX_HEADER, too_large)
        body = raw.read(cap + 1, decode_content=True)
        if len(body) <= cap:
            return body
        if raw.headers.get("Content-Encoding"):
            raise Rejected(Reason.DECOMPRESSION_BOMB, f"the body unpacks to more than {cap:,} bytes (max_bytes)")
        raise too_large


class _Session(HTTPSession):  # type: ignore[misc]  # it has no type hints
    """A session that sends one request at a time: no redirects, cookies, proxies or .netrc."""

    def __init__(self, settings: FetchSettings) -> None:
        timeout = (settings.connect_timeout, settings.read_timeout)
        super().__init__(
            Config(
                ip_filter_enable=False,  # see the module's docstring
                ip_filter_allow_loopback_ips=False,
                never_redirect=True,
                default_timeout=timeout,
            )
        )
        self.trust_env = False
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._headers = {
            "User-Agent": manners.user_agent(settings.contact),
            "Accept": "image/jpeg, image/png, image/*;q=0.8, */*;q=0.5",
            "Accept-Encoding": "identity",
        }
        adapter = _Adapter(settings)
        self.mount("http://", adapter)
        self.mount("https://", adapter)

    def get_once(self, url: str, headers: dict[str, str]) -> Response:
        """The answer to one GET, its body not yet read."""
        request = PreparedRequest()
        request.prepare("GET", url, headers={**self._headers, **headers})
        response: Response = self.send(request, stream=True, verify=True, cert=None, proxies={})
        return response

    def get_redirect_target(self, resp: Any) -> None:
        """Never: requests would read a redirect's whole body, however long, to find the next request."""


class _Adapter(HTTPAdapter):
    """An adapter whose connections keep the rules of `tasks.adapters.sockets`."""

    def __init__(self, settings: FetchSettings) -> None:
        super().__init__(pool_connections=settings.fetch_threads * 2, pool_maxsize=settings.per_host)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any) -> None:
        super().init_poolmanager(connections, maxsize, block, ssl_context=sockets.tls_context(), **pool_kwargs)
        self.poolmanager.pool_classes_by_scheme = sockets.POOLS

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Nothing to do: the context has its authorities already, requests would load them for every connection."""


def _redirected(target: Target, location: str) -> Target:
    """Where a redirect leads, if one may follow it."""
    with suppress(UnicodeError):
        location = location.encode("latin-1").decode("utf-8")  # http.client reads headers as Latin-1
    try:
        url = urljoin(target.url, location)
    except ValueError:
        raise Rejected(Reason.HTTP_ERROR, "the server redirects to a link that cannot be read") from None
    if not url.lower().startswith(("http://", "https://")):
        raise Rejected(Reason.UNSAFE_ADDRESS, "the server redirects to something other than http or https")
    try:
        return parse(url)
    except Rejected as error:
        reason = Reason.HTTP_ERROR if error.reason is Reason.INVALID_URL else error.reason
        raise Rejected(reason, f"after a redirect: {error.detail}") from None


def _discard(raw: HTTPResponse) -> None:
    """Read a short body that nobody needs, so that the connection can be used again."""
    if raw.length_remaining is not None and raw.length_remaining <= sockets.MAX_HEADER:
        raw.read(raw.length_remaining, decode_content=False)


def _validator(response: Response, name: str) -> str | None:
    """A header to send back in a conditional request, if it is one that can be sent."""
    value = response.headers.get(name)
    return value if value and len(value) <= 1024 and value.isascii() and value.isprintable() else None
