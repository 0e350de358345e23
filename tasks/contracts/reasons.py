"""Statuses and the closed list of reason codes: what became of a link, and why."""

from enum import StrEnum


class Status(StrEnum):
    """What became of a link."""

    TAGGED = "tagged"
    REJECTED = "rejected"
    PENDING = "pending"
    NO_LINK = "no_link"


class Reason(StrEnum):
    """Why a link is not tagged.

    Each code belongs to exactly one status and has one sentence for people.
    """

    status: Status
    meaning: str

    def __new__(cls, code: str, status: Status, meaning: str) -> "Reason":
        """Carry the status and the sentence on the code itself."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.status = status
        member.meaning = meaning
        return member

    INVALID_URL = (
        "invalid_url",
        Status.REJECTED,
        "The text in the cell is not an http or https link.",
    )
    UNSAFE_ADDRESS = (
        "unsafe_address",
        Status.REJECTED,
        "The link leads to an address, port or login that is not allowed.",
    )
    NOT_FOUND = (
        "not_found",
        Status.REJECTED,
        "The server says that there is nothing at this link (404, 410).",
    )
    NO_SUCH_HOST = (
        "no_such_host",
        Status.REJECTED,
        "The link's host does not exist: its name server says so.",
    )
    FORBIDDEN = (
        "forbidden",
        Status.REJECTED,
        "The server refuses to give the picture (401, 403, 451).",
    )
    HTTP_ERROR = (
        "http_error",
        Status.REJECTED,
        "The server answered with another error or broke the protocol.",
    )
    OPTED_OUT = "opted_out", Status.REJECTED, "The site asks not to use its pictures this way."
    NOT_AN_IMAGE = "not_an_image", Status.REJECTED, "What came back is not a picture."
    UNSUPPORTED_FORMAT = (
        "unsupported_format",
        Status.REJECTED,
        "A picture, but in a format that cannot be read here.",
    )
    TRUNCATED = "truncated", Status.REJECTED, "The picture is cut off or damaged."
    TOO_LARGE = "too_large", Status.REJECTED, "More bytes, pixels or frames than the limit."
    TOO_SMALL = "too_small", Status.REJECTED, "Smaller than the analyzer accepts (80 x 80 px)."
    DECOMPRESSION_BOMB = (
        "decompression_bomb",
        Status.REJECTED,
        "The data decompresses to far more than allowed.",
    )
    TOO_MANY_REDIRECTS = (
        "too_many_redirects",
        Status.REJECTED,
        "The link redirects more often than allowed.",
    )
    GIVEN_UP = (
        "given_up",
        Status.REJECTED,
        "The link failed in several runs over several days; the last cause is in the detail.",
    )
    REFUSED_BY_ANALYZER = (
        "refused_by_analyzer",
        Status.REJECTED,
        "The analyzer does not accept this picture.",
    )

    TIMEOUT = "timeout", Status.PENDING, "The server was too slow."
    CONNECTION_FAILED = (
        "connection_failed",
        Status.PENDING,
        "The server could not be reached or hung up.",
    )
    SERVER_ERROR = "server_error", Status.PENDING, "The server failed (5xx)."
    RATE_LIMITED = "rate_limited", Status.PENDING, "The server asks to slow down (429)."
    ANALYZER_UNAVAILABLE = (
        "analyzer_unavailable",
        Status.PENDING,
        "The analyzer could not be reached or failed.",
    )
    THROTTLED = "throttled", Status.PENDING, "The analyzer asks to slow down."


REASONS = {str(reason): reason for reason in Reason}
"""Every reason by its code."""
