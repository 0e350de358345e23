"""Reading one response: its redirect target, its body within the limit, its headers."""

import time
from contextlib import suppress
from urllib.parse import urljoin

from requests import Response
from urllib3.response import HTTPResponse

from image_tags.tasks.adapters.web import manners
from image_tags.tasks.adapters.web.addresses import Target, parse_link
from image_tags.tasks.adapters.web.budget import Budget
from image_tags.tasks.adapters.web.failures import (
    NETWORK_ERRORS,
    CutShort,
    classify_exception,
    find_partial_reads,
)
from image_tags.tasks.adapters.web.session import MAX_HEADER
from image_tags.tasks.contracts.errors import LinkError, Rejected
from image_tags.tasks.contracts.link_text import with_ascii_host
from image_tags.tasks.contracts.reasons import Reason

PIECE = 1_000_000
"""Bytes read at a time, so that a response that ends early is not lost."""

_NOT_UNPACKED = frozenset({"br", "zstd", "compress", "dcb", "dcz"})
"""Content-Encodings that urllib3 would pass on still compressed; we ask for none."""


def read_body(raw: HTTPResponse, budget: Budget) -> bytes:
    """Read and decode the body, no further than `max_bytes`."""
    packed = raw.headers.get("Content-Encoding", "").lower()
    for unknown in _NOT_UNPACKED.intersection(part.strip() for part in packed.split(",")):
        raise Rejected(
            Reason.HTTP_ERROR, f"the body is compressed as {unknown}, which was not asked for"
        )
    cap = budget.settings.max_bytes
    too_large = Rejected(Reason.TOO_LARGE, f"more than {cap:,} bytes (max_bytes)")
    if raw.length_remaining is not None and raw.length_remaining > cap:
        raise too_large
    # Chunk headers add to a body, but never double it unless the server is malicious.
    budget.limit_bytes(2 * cap + MAX_HEADER, too_large)
    body = _read_pieces(raw, cap + 1, budget)
    if not body and raw.length_remaining is None and not raw.chunked:
        raise CutShort(
            budget.heard, budget.heard
        )  # http.client takes a hang-up in the headers for their end
    if len(body) <= cap:
        return body
    if packed:
        raise Rejected(
            Reason.DECOMPRESSION_BOMB,
            f"the body decompresses to more than {cap:,} bytes (max_bytes)",
        )
    raise too_large


def _read_pieces(raw: HTTPResponse, limit: int, budget: Budget) -> bytes:
    """Read at most `limit` bytes; a CutShort carries what arrived before the connection closed."""
    pieces: list[bytes] = []
    size = 0
    try:
        while size < limit and (piece := raw.read1(min(PIECE, limit - size), decode_content=True)):
            pieces.append(piece)
            size += len(piece)
    except NETWORK_ERRORS as error:
        failure = classify_exception(error, budget.heard)
        if isinstance(failure, CutShort):
            failure.body = b"".join([*pieces, *find_partial_reads(error)])
        raise failure from None
    return b"".join(pieces)


def resolve_redirect(target: Target, location: str) -> Target:
    """Return the target of a redirect; Rejected if it must not be followed."""
    with suppress(UnicodeError):
        location = location.encode("latin-1").decode(
            "utf-8"
        )  # http.client reads headers as Latin-1
    try:
        url = urljoin(target.url, location)
    except ValueError:
        raise Rejected(
            Reason.HTTP_ERROR, "the server redirects to a link that cannot be read"
        ) from None
    if not url.lower().startswith(("http://", "https://")):
        raise Rejected(
            Reason.UNSAFE_ADDRESS, "the server redirects to something other than http or https"
        )
    try:
        return parse_link(with_ascii_host(url))
    except Rejected as error:
        reason = Reason.HTTP_ERROR if error.reason is Reason.INVALID_URL else error.reason
        raise Rejected(reason, f"after a redirect: {error.detail}") from None


def drain_body(raw: HTTPResponse) -> None:
    """Read a short body that is not needed, so that the connection can be used again."""
    if raw.length_remaining is not None and raw.length_remaining <= MAX_HEADER:
        with suppress(*NETWORK_ERRORS, LinkError):
            raw.read(decode_content=False)


def read_retry_after(response: Response) -> float | None:
    """Return the seconds that the server asks to wait, if it does."""
    return manners.parse_retry_after(response.headers.get("Retry-After"), time.time)


def read_validator(response: Response, name: str) -> str | None:
    """Return a header for a later conditional request, if it can be sent back."""
    value = response.headers.get(name)
    return (
        value if value and len(value) <= 1024 and value.isascii() and value.isprintable() else None
    )
