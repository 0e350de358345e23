"""Links as text: how one is recognised, and the addresses that it may stand for.

Pure: nothing here touches the network.
"""

import re
import unicodedata
from urllib.parse import quote

import idna

PICTURE_ENDINGS = "jpe?g|jfif|pjpeg|png|gif|webp|avif|heic|heif|bmp|tiff?|svg"
"""Endings of paths that lead to pictures, as a pattern; some of them are refused later."""

PICTURE_PATH = re.compile(rf"\.(?:{PICTURE_ENDINGS})(?:[:!@?#]\S*)?$", re.IGNORECASE)
"""The end of a link whose path ends like a picture's; `:large` is how Twitter asks for a size."""

_HOST = r"[^\s/?#\"'<>()\[\]{}|\\,;:@.]+(?:\.[^\s/?#\"'<>()\[\]{}|\\,;:@.]+)+"

WEB = re.compile(r"https?://(?=[^\s/?#])", re.IGNORECASE)
WITHOUT_SCHEME = re.compile(rf"//{_HOST}|www\.{_HOST}", re.IGNORECASE)
BARE_PICTURE = re.compile(
    rf"(?:[a-z0-9_-]+\.)+[a-z]{{2,24}}(?::\d+)?/[^\s\"'<>]*\.(?:{PICTURE_ENDINGS})(?:\?[^\s\"'<>]*)?",
    re.IGNORECASE,
)
"""A picture's address without scheme and `www.`: only a whole item is taken for one."""

DATA = re.compile(r"data:image/", re.IGNORECASE)

MAX_LINK = 8_192
"""Characters of a link that are looked at closely; the web client follows no longer ones."""

_ENTITY = re.compile(r"&(amp|lt|gt|quot|apos|#\d{1,7}|#x[0-9a-f]{1,6});", re.IGNORECASE)
_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}


def is_link(text: str) -> bool:
    """Whether the text begins as a link to the web does, or as a picture in a `data:` link."""
    starts = (WEB, DATA, WITHOUT_SCHEME)
    return any(start.match(text) for start in starts) or is_bare_picture(text)


def is_bare_picture(text: str) -> bool:
    """Whether the text is a picture's address without a scheme, such as `i.imgur.com/x.jpg`."""
    return len(text) <= MAX_LINK and BARE_PICTURE.fullmatch(text) is not None


def is_picture_path(link: str) -> bool:
    """Whether the path of a link ends like that of a picture."""
    return PICTURE_PATH.search(link[-MAX_LINK:]) is not None


def link_spellings(link: str) -> list[str]:
    """List the addresses that a link from a table may stand for, in the order to try them.

    The first is the link as written, where that is an address. HTML entities (`&amp;`) are undone
    only in the second, as they are legal in an address. A link without a scheme is tried with
    https and then with http, as browsers do. Hosts become ASCII as browsers send them, emoji too.
    """
    if WEB.match(link):
        spellings = [link, undo_entities(link)]
    elif link.startswith("//"):
        spellings = [f"{scheme}:{undo_entities(link)}" for scheme in ("https", "http")]
    elif WITHOUT_SCHEME.match(link) or is_bare_picture(link):
        spellings = [f"{scheme}://{undo_entities(link)}" for scheme in ("https", "http")]
    else:
        spellings = [link]
    return list(dict.fromkeys(map(with_ascii_host, spellings)))


def undo_entities(text: str) -> str:
    """Replace HTML entities that end in a semicolon; twice, as some tables were escaped twice."""
    for _ in range(2):
        text = _ENTITY.sub(_entity, text)
    return text


def _entity(match: re.Match[str]) -> str:
    name = match.group(1).lower()
    if name in _NAMED:
        return _NAMED[name]
    code = int(name[2:], 16) if name[1] == "x" else int(name[1:])
    character = chr(code) if 32 < code < 0x110000 and not 0xD800 <= code < 0xE000 else " "
    return quote(character) if character.isspace() else character


def with_ascii_host(address: str) -> str:
    """The address with its host in ASCII; unchanged where it is already or where it has none."""
    if address.isascii() or not WEB.match(address):
        return address
    scheme, _, rest = address.partition("://")
    host = re.split(r"[/?#\\]", rest, maxsplit=1)[0]
    if host.isascii() or "@" in host:
        return address
    name, colon, port = host.partition(":")
    labels = re.split(r"[.\u3002\uff0e\uff61]", unicodedata.normalize("NFKC", name))
    return f"{scheme}://{'.'.join(map(_ascii_label, labels))}{colon}{port}{rest[len(host) :]}"


def _ascii_label(label: str) -> str:
    """One label of a host by IDNA 2008; what that forbids (emoji) as plain punycode.

    RFC 5891 leaves emoji out; UTS 46, which browsers follow, allows them.
    """
    if label.isascii():
        return label
    try:
        return idna.encode(label, uts46=True).decode("ascii")
    except idna.IDNAError:
        folded = unicodedata.normalize("NFC", label.casefold()).replace("\ufe0f", "")
        return f"xn--{folded.encode('punycode').decode('ascii')}"
