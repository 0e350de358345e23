"""Pictures inside a link: `data:image/png;base64,...` (RFC 2397)."""

import base64
import binascii
import re
from urllib.parse import unquote_to_bytes

from image_tags.tasks.contracts.errors import Rejected
from image_tags.tasks.contracts.reasons import Reason

_HEAD = re.compile(r"data:[^,]{0,200}?(?P<base64>;\s*base64)?\s*,", re.IGNORECASE)
_SPACE = re.compile(rb"[\s\0]+")


def is_data_link(link: str) -> bool:
    """Whether the link carries its data in itself."""
    return link[:5].lower() == "data:"


def decode_data_link(link: str, max_bytes: int) -> bytes:
    """Return the bytes in a `data:` link.

    Raises:
        Rejected: `invalid_url` if it cannot be decoded, `too_large` beyond `max_bytes`.
    """
    head = _HEAD.match(link)
    if head is None:
        raise Rejected(Reason.INVALID_URL, "the data: link has no data")
    too_large = Rejected(Reason.TOO_LARGE, f"more than {max_bytes:,} bytes (max_bytes)")
    if len(link) > 4 * max_bytes + head.end():  # percent signs triple, base64 adds a third
        raise too_large
    data = unquote_to_bytes(link[head.end() :])
    if head["base64"]:
        text = _SPACE.sub(b"", data).rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
        try:
            data = base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
        except binascii.Error:
            raise Rejected(Reason.INVALID_URL, "the data: link is not valid base64") from None
    if len(data) > max_bytes:
        raise too_large
    return data
