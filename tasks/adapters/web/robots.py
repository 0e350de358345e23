"""robots.txt: what a site asks of robots, read once per site and kept while there is room."""

import re
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from urllib.parse import urlsplit

from protego import Protego

from image_tags.tasks.adapters.web.manners import AGENT
from image_tags.tasks.contracts.errors import LinkError, Rejected, Transient
from image_tags.tasks.contracts.reasons import Reason

MAX_ROBOTS = 512_000
"""Bytes read of a robots.txt. RFC 9309, 2.5: a limit must be at least 500 kibibytes."""

ROOM = 16_000_000
"""Characters of robots.txt that are kept in all."""

_AGENT_LINE = re.compile(r"^\s*user[-\s]*agent\b[\s:]*([^#\r\n]*).*$", re.IGNORECASE | re.MULTILINE)


class Robots:
    """The rules of sites. Thread-safe: many links of one site read its robots.txt once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: OrderedDict[str, Future[Protego]] = OrderedDict()
        self._sizes: dict[str, int] = {}

    def check_url(self, url: str, read: Callable[[str], str], left: Callable[[], float]) -> None:
        """Raise Rejected (`opted_out`) if the site asks robots not to fetch this URL.

        Args:
            url: the URL to fetch.
            read: returns the text behind a URL, empty if there is none; its errors are raised.
            left: returns the seconds to wait for another thread that is reading the same file.
        """
        parts = urlsplit(url)
        site = f"{parts.scheme}://{parts.netloc}"
        with self._lock:
            rules = self._rules.get(site)
            mine = rules is None
            if rules is None:
                rules = self._rules[site] = Future()
            self._rules.move_to_end(site)
        if mine:
            self._load_rules(site, rules, read)
        try:
            allowed = rules.result(timeout=left()).can_fetch(url, AGENT)
        except TimeoutError:
            raise Transient(
                Reason.TIMEOUT, "the site's robots.txt did not arrive in time"
            ) from None
        if not allowed:
            raise Rejected(Reason.OPTED_OUT, "the site asks robots not to fetch it (robots.txt)")

    def _load_rules(self, site: str, rules: "Future[Protego]", read: Callable[[str], str]) -> None:
        try:
            text = read(f"{site}/robots.txt")
            rules.set_result(Protego.parse(keep_our_rules(text)))
        except BaseException as error:
            with self._lock:
                del self._rules[site]  # the next link tries again
            rules.set_exception(_mark_as_robots(error))
            if not isinstance(error, LinkError):
                raise
            return
        with self._lock:
            self._sizes[site] = len(text)
            while sum(self._sizes.values()) > ROOM:
                oldest = next(iter(self._sizes))
                del self._sizes[oldest]
                self._rules.pop(oldest, None)


def keep_our_rules(text: str) -> str:
    """Rename all other robots to one name: Protego's work grows with robots times rules."""

    def rename_robot(line: re.Match[str]) -> str:
        name = line[1].strip().lower()
        return (
            f"User-agent: {name}"
            if name == "*" or (name.strip("*") and name.strip("*") in AGENT)
            else "User-agent: other"
        )

    return _AGENT_LINE.sub(rename_robot, text)


def _mark_as_robots(error: BaseException) -> BaseException:
    if isinstance(error, Transient):
        return Transient(error.reason, f"robots.txt: {error.detail}", error.retry_after)
    if isinstance(error, Rejected):
        return Rejected(error.reason, f"robots.txt: {error.detail}")
    return error
