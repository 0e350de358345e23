"""Which error a response that is no picture becomes, and each exception of urllib3 and requests."""

import ssl
from collections.abc import Callable
from http.client import HTTPException, IncompleteRead, RemoteDisconnected
from typing import Any

import requests
import urllib3.exceptions

from image_tags.tasks.contracts.errors import LinkError, Rejected, Transient
from image_tags.tasks.contracts.reasons import Reason

NETWORK_ERRORS = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    HTTPException,
    OSError,
    ValueError,
)
"""Everything that requests, urllib3 and http.client raise because of a server."""

REDIRECTS = (301, 302, 303, 307, 308)

_STATUSES = {
    404: Reason.NOT_FOUND,
    410: Reason.NOT_FOUND,
    401: Reason.FORBIDDEN,
    403: Reason.FORBIDDEN,
    451: Reason.FORBIDDEN,
    408: Reason.TIMEOUT,
    425: Reason.SERVER_ERROR,
    429: Reason.RATE_LIMITED,
}


class CutShort(Transient):
    """The server closed the connection in the middle of the body.

    Attributes:
        place: where; the same place each time means that there is no more to read.
        body: what arrived.
    """

    def __init__(self, received: int, place: object) -> None:
        super().__init__(
            Reason.CONNECTION_FAILED, f"the response ended early, after {received:,} bytes"
        )
        self.place = place
        self.body = b""


class AskedToWait(Transient):
    """The server answered 429 or 503."""


def classify_status(status: int, retry_after: float | None) -> LinkError:
    """Return the error for a status that is neither a picture nor a redirect."""
    reason = _STATUSES.get(
        status, Reason.SERVER_ERROR if 500 <= status < 600 else Reason.HTTP_ERROR
    )
    detail = f"the server answered {status}" + (
        " without a location" if status in REDIRECTS else ""
    )
    if reason in (Reason.RATE_LIMITED, Reason.SERVER_ERROR, Reason.TIMEOUT):
        asks = f" and asks to wait {retry_after:,.0f} s" if retry_after is not None else ""
        kind = AskedToWait if status in (429, 503) else Transient
        return kind(reason, detail + asks, retry_after)
    return Rejected(reason, detail)


def classify_exception(error: Exception, received: int) -> LinkError:
    """Return the error for an exception of NETWORK_ERRORS raised after `received` bytes.

    Its text names no address of this machine.
    """
    causes = _find_causes(error)
    for cause in causes:
        if isinstance(cause, LinkError):
            return cause
    if any(
        isinstance(cause, IncompleteRead | urllib3.exceptions.IncompleteRead) for cause in causes
    ):
        # When a chunk's length is unreadable, the bytes received until then depend on how the
        # network split them.
        unreadable = any(isinstance(cause, ValueError) for cause in causes)
        return CutShort(received, place="a chunk's length" if unreadable else received)
    for types, explain in _EXPLAINED:
        for cause in causes:
            if isinstance(cause, types):
                return explain(cause)
    return Rejected(
        Reason.HTTP_ERROR, f"the server does not speak proper HTTP ({type(error).__name__})"
    )


def find_partial_reads(error: BaseException) -> list[bytes]:
    """Return what http.client had read when a response ended early, in order."""
    reads = [cause for cause in _find_causes(error) if type(cause) is IncompleteRead]
    return [read.partial for read in reads if isinstance(read.partial, bytes)]


def _find_causes(error: BaseException) -> list[BaseException]:
    """Return the error and all its causes, outermost first."""
    found: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, BaseException) and one not in found:
            found.append(one)
            waiting.extend(
                [getattr(one, "reason", None), *one.args, one.__cause__, one.__context__]
            )
    return found


# The first entry that matches any of an exception's causes decides.
_EXPLAINED: tuple[tuple[tuple[type[BaseException], ...], Callable[[Any], LinkError]], ...] = (
    (
        (TimeoutError, urllib3.exceptions.TimeoutError, requests.Timeout),
        lambda _: Transient(Reason.TIMEOUT, "the server sent nothing for too long (read_timeout)"),
    ),
    (
        (ssl.SSLCertVerificationError,),
        lambda error: Rejected(
            Reason.HTTP_ERROR,
            f"the server's certificate is not valid: {getattr(error, 'verify_message', 'unknown')}",
        ),
    ),
    (
        (ssl.SSLError,),
        lambda error: Transient(
            Reason.CONNECTION_FAILED,
            f"no secure connection: {getattr(error, 'reason', 'handshake failed')}",
        ),
    ),
    (
        (urllib3.exceptions.DecodeError,),
        lambda _: Rejected(
            Reason.HTTP_ERROR, "the body cannot be decompressed as its Content-Encoding claims"
        ),
    ),
    (
        (RemoteDisconnected, ConnectionError),
        lambda _: Transient(Reason.CONNECTION_FAILED, "the server closed the connection"),
    ),
    (
        (HTTPException,),
        lambda error: Rejected(
            Reason.HTTP_ERROR, f"the server does not speak proper HTTP ({type(error).__name__})"
        ),
    ),
    (
        (requests.exceptions.InvalidURL, urllib3.exceptions.LocationValueError, UnicodeError),
        lambda _: Rejected(
            Reason.INVALID_URL, "the link cannot be read: its host or port is malformed"
        ),
    ),
)
