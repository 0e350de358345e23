"""What one response holds: a page, which is hopefully a picture, or a robots.txt."""

from dataclasses import dataclass

from requests import Response

from image_tags.tasks.adapters.web import answers, failures, manners
from image_tags.tasks.adapters.web.budget import Budget
from image_tags.tasks.adapters.web.robots import MAX_ROBOTS
from image_tags.tasks.adapters.web.session import MAX_HEADER
from image_tags.tasks.contracts.errors import Rejected
from image_tags.tasks.contracts.reasons import Reason

_PICTURES = (200, 203)


@dataclass(frozen=True)
class Page:
    """What a link led to.

    Attributes:
        body: the bytes; empty when the server reports no change.
        etag: for a conditional request later.
        last_modified: likewise.
        not_modified: the server reports no change.
        cut_short: how the response ended early, each time at the same place; the picture may be
            whole all the same. None for a proper response.

    """

    body: bytes
    etag: str | None
    last_modified: str | None
    not_modified: bool = False
    cut_short: str | None = None


def read_page(response: Response, conditional: bool, budget: Budget) -> Page:
    """Read a response that is no redirect as a page.

    Raises:
        LinkError: it is no picture, or the site opts out.

    """
    status = response.status_code
    not_modified = status == 304 and conditional
    if status not in _PICTURES and not not_modified:
        answers.drain_body(response.raw)
        raise failures.classify_status(status, answers.read_retry_after(response))
    if budget.settings.respect_opt_outs:
        directive = manners.find_opt_out(response.raw.headers.getlist("X-Robots-Tag"))
        if directive:
            raise Rejected(
                Reason.OPTED_OUT, f"the site asks not to use it (X-Robots-Tag: {directive})"
            )
    body = b"" if not_modified else answers.read_body(response.raw, budget)
    return Page(
        body,
        answers.read_validator(response, "ETag"),
        answers.read_validator(response, "Last-Modified"),
        not_modified,
    )


def read_robots_txt(response: Response, budget: Budget) -> str:
    """Read a response that is no redirect as a robots.txt; empty if there is none."""
    status = response.status_code
    if status == 429 or status >= 500:
        raise failures.classify_status(status, answers.read_retry_after(response))
    if status not in _PICTURES:
        answers.drain_body(response.raw)
        return ""
    budget.limit_bytes(
        2 * MAX_ROBOTS + MAX_HEADER,
        Rejected(Reason.HTTP_ERROR, "a robots.txt of more bytes than allowed"),
    )
    text: bytes = response.raw.read(MAX_ROBOTS, decode_content=True)
    return text.decode("utf-8", "replace")
