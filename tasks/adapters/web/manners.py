"""What a site asks in its responses, opt-outs and waiting times, and how we introduce ourselves."""

import re
from collections.abc import Callable, Iterable
from email.utils import parsedate_to_datetime
from importlib.metadata import version

OPT_OUTS = frozenset({"noai", "noimageai", "noindex", "noimageindex", "none"})
"""X-Robots-Tag directives that are honoured; `none` is short for `noindex, nofollow`."""

AGENT = "image-tags"

_AGENT_PREFIX = re.compile(r"\s*(\*|[A-Za-z][A-Za-z0-9_.*/-]*)\s*:(.*)", re.DOTALL)
_VALUED = frozenset({"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"})


def make_user_agent(contact: str | None) -> str:
    """Return our User-Agent, in the form that well-behaved robots use."""
    contact = re.sub(r"[^\x20-\x7e]|[()]", "", contact or "").strip()
    return f"{AGENT}/{version('image-tags')}" + (f" (+{contact})" if contact else "")


def find_opt_out(robots_tags: Iterable[str]) -> str | None:
    """Return the X-Robots-Tag directive that forbids us the picture; None if there is none.

    A header may start with the name of the robot it addresses; so may each of its parts, and a
    name applies until the next one.
    """
    for header in robots_tags:
        ours = True
        for part in re.split("[,;]", header):
            named = _AGENT_PREFIX.fullmatch(part)
            directive = part
            if named and named[1].lower() not in _VALUED:
                ours = named[1].lower() in (AGENT, "*")
                directive = named[2]
            directive = directive.strip().lower()
            if ours and directive in OPT_OUTS:
                return directive
    return None


def parse_retry_after(header: str | None, now: Callable[[], float]) -> float | None:
    """Return the seconds in a Retry-After header (a number or a date); None if unreadable."""
    if not header:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return float(text[:12])
    try:
        date = parsedate_to_datetime(text)
        return max(date.timestamp() - now(), 0.0)
    except (ValueError, OverflowError, TypeError):
        return None
