"""A requests session that follows no redirect and keeps no state of its own.

requests-hardened provides the session that never redirects, and a second check of each address.
Its own adapter is not used: it looks names up without a deadline and can except only loopback
addresses. The limits on addresses, time and bytes are enforced by the connections in
`image_tags.tasks.adapters.web.sockets`.
"""

import logging
from http.cookiejar import DefaultCookiePolicy
from typing import Any

from requests import ConnectionError, PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests.cookies import RequestsCookieJar, extract_cookies_to_jar, get_cookie_header
from requests_hardened import Config, HTTPSession

from image_tags.tasks.adapters.web import sockets
from image_tags.tasks.adapters.web.budget import get_current_budget
from image_tags.tasks.adapters.web.manners import make_user_agent
from image_tags.tasks.adapters.web.resolver import Resolver
from image_tags.tasks.contracts.errors import Rejected
from image_tags.tasks.contracts.reasons import Reason
from image_tags.tasks.contracts.settings import FetchSettings

MAX_HEADER = 65_536
"""Bytes of status line and headers. Browsers stop at 256 KB; nginx and Apache send about 10 KB."""

ACCEPT = "image/jpeg, image/png, image/*;q=0.8, */*;q=0.5"
"""The analyzer's formats first: a server that can choose then sends what needs no conversion."""


def _holds_no_answer(record: logging.LogRecord) -> bool:
    """Whether a log record of urllib3 may be shown.

    Its warning about headers that cannot be parsed holds the link, with its signature, and what
    the server sent. The link's outcome tells what came of it.
    """
    return not str(record.msg).startswith("Failed to parse headers")


for _name in ("urllib3.connection", "urllib3.connectionpool"):
    logging.getLogger(_name).addFilter(_holds_no_answer)


class Session(HTTPSession):  # type: ignore[misc]  # requests-hardened has no type hints
    """Sends one request at a time: no redirects, proxies or .netrc, and no cookies of its own.

    Thread-safe, as nothing is kept.
    """

    def __init__(self, settings: FetchSettings, resolver: Resolver) -> None:
        super().__init__(
            Config(
                ip_filter_enable=False,  # see the module's docstring
                ip_filter_allow_loopback_ips=False,
                never_redirect=True,
                default_timeout=(settings.connect_timeout, settings.read_timeout),
            )
        )
        self.trust_env = False
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._request = PreparedRequest()
        self._request.prepare(
            "GET",
            "http://to.be.replaced/",
            headers={
                "User-Agent": make_user_agent(settings.contact),
                "Accept": ACCEPT,
                "Accept-Encoding": "identity",  # pictures are compressed already
            },
        )
        adapter = _Adapter(settings, resolver)
        self.mount("http://", adapter)
        self.mount("https://", adapter)

    def get_once(
        self, url: str, headers: dict[str, str], cookies: RequestsCookieJar | None = None
    ) -> Response:
        """Send one GET and return the response, its body not yet read.

        The URL must be prepared already (`parse_link`). Cookies are sent from the jar and kept
        in it.
        """
        request = self._request.copy()
        request.url = url
        request.headers.update(headers)
        if cookies and (cookie := get_cookie_header(cookies, request)):  # type: ignore[no-untyped-call]
            request.headers["Cookie"] = cookie
        budget = get_current_budget()
        while True:
            budget.start_request()
            budget.limit_bytes(
                MAX_HEADER,
                Rejected(Reason.HTTP_ERROR, f"headers of more than {MAX_HEADER:,} bytes"),
            )
            try:
                response: Response = self.send(
                    request, stream=True, verify=True, cert=None, proxies={}
                )
            except ConnectionError:
                if budget.connected or budget.heard:
                    raise
                # The server closed an idle connection just as it was reused: no failure, try
                # another one.
            else:
                if cookies is not None:
                    extract_cookies_to_jar(cookies, request, response.raw)  # type: ignore[no-untyped-call]
                return response

    def get_redirect_target(self, resp: Any) -> None:
        """Return nothing: requests would read a redirect's whole body, however long."""


class _Adapter(HTTPAdapter):
    """An adapter whose connections come from `image_tags.tasks.adapters.web.sockets`."""

    def __init__(self, settings: FetchSettings, resolver: Resolver) -> None:
        self._pools = sockets.make_pools(resolver)
        super().__init__(
            pool_connections=settings.fetch_threads * 2, pool_maxsize=settings.per_host
        )

    def init_poolmanager(
        self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any
    ) -> None:
        super().init_poolmanager(
            connections, maxsize, block, ssl_context=sockets.make_tls_context(), **pool_kwargs
        )
        self.poolmanager.pool_classes_by_scheme = self._pools

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Do nothing: the context has its authorities, which requests would load per connection."""
