"""Find the links in plain text: prose, separated lists, Markdown, HTML; in linear time."""

import re
import unicodedata
from dataclasses import dataclass

from image_tags.tasks.contracts.link_text import (
    PICTURE_ENDINGS,
    PICTURE_PATH,
    WITHOUT_SCHEME,
    is_bare_picture,
)
from image_tags.tasks.source.html_images import keep_one_link_per_image

_SCHEME = r"[a-z][a-z0-9+.-]{1,15}://"
_HOST_BEGINS = "(?=[\\w\\[.-\u2190-\u2bff\U0001f000-\U0001faff])"  # also emoji

# Every part is bounded or ends at the next separator, so that a search costs linear time.
_START = re.compile(
    rf"https?:(?://|\\\\){_HOST_BEGINS}"
    rf"|(?<![a-z0-9+.-])(?![a-z0-9+.-]{{0,12}}https?:){_SCHEME}(?=[\w\[/])"
    rf"|(?<![\w:/.@-])(?:{WITHOUT_SCHEME.pattern})|(?<![a-z0-9+.-])data:image/[a-z0-9.+-]{{1,30}}[;,]",
    re.IGNORECASE,
)

# Commas, semicolons and bars are legal inside a link: they separate two links only where another
# one or a null follows. Quotes, angle brackets and most punctuation of other scripts never belong
# to a link.
_STOP = re.compile(
    r"[\s<>\"`\u201c\u201d\u201e\u00ab\u00bb\u3001\u3002\uff0c\uff1b\uff01\uff1f\uff08\uff09"
    r"\u3008-\u3011\uff5c\0]"
    rf"|(?<![,|;])[,|;]+(?=[(\[{{]{{0,4}}(?:{_SCHEME}|//|www\.|data:image/))|\]\("
    r"|[,|;](?=(?:null|none|nan|na)[,|;)\]}])|(?:[\^~]|[^\x00-\x7f\w])(?=https?://)"
    r"|&(?:quot|lt|gt|nbsp|apos|#34|#39|#160|#x22|#x27);",
    re.IGNORECASE,
)
_CLOSING_QUOTE = re.compile(r"['\u2019](?=[\s,;:)\]}>']|/>|$|https?:)")
_TRAILING = frozenset(".,;:!?'\\|\u2018\u2019\u201a\u200c\u200d")
_PAIRS = {")": "(", "]": "[", "}": "{"}
_EMPHASIS = frozenset("*_~")

# Zero-width space and joiner, byte order mark, direction marks, soft hyphen.
_INVISIBLE = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\u00ad]+")
_LINK_FOLLOWS = re.compile(rf"{_SCHEME}|//|www\.|data:image/", re.IGNORECASE)
_PICTURE_ENDS = re.compile(rf"\.(?:{PICTURE_ENDINGS})$", re.IGNORECASE)

_PICTURE_THEN_TEXT = re.compile(
    rf"\.(?:{PICTURE_ENDINGS})(?=https?://|[^\x00-\x7f][^./?=&%#]*$)", re.IGNORECASE
)
"""Where a picture's link ends though no blank follows: at another link, or at text in a script
without blanks (`.jpg\u3067\u3059`)."""

_NAMESPACE = re.compile(r"xmlns(?::[\w-]{1,20})?\s?=\s?[\"']?$", re.IGNORECASE)
_RAW_SVG = re.compile(r"data:image/svg\+xml[^,]{0,40},\s*<", re.IGNORECASE)
_SLASH_ENTITY = re.compile(r"&(?:#x2f|#47|sol|#x3a|#58|colon);", re.IGNORECASE)

_ESCAPE = re.compile(r"\\(?:/|u([0-9a-f]{4})|[nrt](?=\s|$|https?:|\\))", re.IGNORECASE)

MAX_BLANK_TAIL = 300
"""Characters that a link may go on after its first blank."""

_BLANK_TAIL = re.compile(
    rf"(?: {{1,2}}[^\s,;|<>\"]+){{1,12}}?(?<=\.)(?:{PICTURE_ENDINGS})(?:\?[^\s<>\"]*)?"
    r"(?=\s*(?:$|[,;|<>\"')\]}]))",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W_]")


@dataclass(frozen=True)
class Found:
    """The links in a text, in order, and whether there is nothing else in it but separators."""

    links: list[str]
    only_links: bool


def scan_text(text: str) -> Found:
    """Find every link in a text, without what wraps, follows or separates them.

    Found are http and https, other schemes (they are reported as invalid later), `//host`, `www.`
    and `data:image/`. Blanks inside a picture's link become `%20`, JSON escapes are undone. The
    time is linear in the length of the text.
    """
    text = keep_one_link_per_image(_without_escapes(_without_invisible(text)))
    links: list[str] = []
    only_links, done = True, 0
    while start := _START.search(text, done):
        only_links = only_links and not _WORD.search(text, done, start.start())
        link, done = _take_link(text, start, clean=only_links)
        if not link.endswith("://") and not _is_namespace(text, start.start()):
            links.append(link)
    if not links:
        links = _bare_pictures(text)
        return Found(links, bool(links))
    return Found(links, only_links and not _WORD.search(text, done))


def _take_link(text: str, start: re.Match[str], *, clean: bool) -> tuple[str, int]:
    """The link that begins here, and where the text goes on after it."""
    begin = start.start()
    before = text[begin - 1] if begin else ""
    if _RAW_SVG.match(text, begin) and (svg_end := text.find("</svg>", begin)) > 0:
        return text[begin : svg_end + 6], svg_end + 6
    stop = _STOP.search(text, start.end())
    end = stop.start() if stop else len(text)
    quote = None
    if before in ("'", "\u2018"):
        quote = _CLOSING_QUOTE.search(text, start.end(), min(end + 3, len(text)))
    if quote and quote.start() < end:
        end = quote.start()
    elif clean and stop and stop.group() == " " and not PICTURE_PATH.search(text[begin:end][-20:]):
        end = _end_after_blanks(text, begin, end)
    if text_follows := _PICTURE_THEN_TEXT.search(text, begin, end):
        end = text_follows.end()
    link = _trimmed(text[begin:end], before)
    done = begin + len(link)
    if "\\" in link:
        link = _with_slashes(link)
    return link.replace(" ", "%20"), max(done, start.end())


def _end_after_blanks(text: str, begin: int, end: int) -> int:
    """Where a picture's link with blanks in its path ends; `end` where it has none.

    Its last word must have a picture's ending, and nothing but a separator may follow.
    """
    if "/" not in text[begin:end].partition("//")[2]:
        return end
    window = text[end : end + MAX_BLANK_TAIL].split("\n", 1)[0]
    if next_link := _START.search(window):
        window = window[: next_link.start()]
    tail = _BLANK_TAIL.match(window)
    return end + tail.end() if tail else end


def _is_namespace(text: str, begin: int) -> bool:
    """Whether what begins here is the name of an XML namespace, which only looks like a link."""
    return _NAMESPACE.search(text[max(begin - 32, 0) : begin]) is not None


def _trimmed(link: str, before: str) -> str:
    """The link without punctuation and unbalanced closing brackets at its end."""
    unbalanced = {close: link.count(close) - link.count(_PAIRS[close]) for close in _PAIRS}
    end = len(link)
    while end:
        last = link[end - 1]
        if unbalanced.get(last, 0) > 0:
            unbalanced[last] -= 1
        elif not _is_punctuation(last) and not (last in _EMPHASIS and last == before):
            break
        end -= 1
    return link[:end]


def _is_punctuation(character: str) -> bool:
    """Whether a link does not end with this character: punctuation of any script."""
    if character.isascii():
        return character in _TRAILING
    return character in _TRAILING or unicodedata.category(character).startswith("P")


def _with_slashes(link: str) -> str:
    """The link as browsers read it: backslashes are slashes; after a picture's path it ends."""
    path, _, rest = link.partition("\\")
    return path if _PICTURE_ENDS.search(path[-6:]) else f"{path}/{rest}".replace("\\", "/")


def _without_invisible(text: str) -> str:
    """The text without invisible characters; a blank for them where a link ends or begins."""
    if text.isascii():
        return text

    def replacement(match: re.Match[str]) -> str:
        before = text[max(0, match.start() - 6) : match.start()]
        ends = _LINK_FOLLOWS.match(text, match.end()) or _PICTURE_ENDS.search(before)
        return " " if ends else ""

    return _INVISIBLE.sub(replacement, text)


def _without_escapes(text: str) -> str:
    """The text with the escapes of JSON undone: of slashes, of characters, of ends of lines.

    Slashes and colons that HTML escapes are undone too: without them no link would be seen.
    """
    if "&" in text:
        text = _SLASH_ENTITY.sub(lambda match: ":" if match[0][-2] in "aA8nN" else "/", text)
    return _ESCAPE.sub(_unescape, text) if "\\" in text else text


def _unescape(match: re.Match[str]) -> str:
    if match.group()[1] in "nrtNRT":
        return " "
    code = int(match.group(1) or "2f", 16)
    return match.group() if code < 0x20 or 0xD800 <= code < 0xE000 else chr(code)


def _bare_pictures(text: str) -> list[str]:
    """Addresses of pictures without any scheme, if the text holds nothing else."""
    pieces = [piece for piece in re.split(r"[\s,;|]+", text.strip(" \t\r\n[](){}<>\"'")) if piece]
    return pieces if all(map(is_bare_picture, pieces)) else []
