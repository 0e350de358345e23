"""How text, numbers and times are shown. Text from the web or a source is never trusted."""

import math
import re
import unicodedata
from datetime import datetime
from urllib.parse import parse_qsl, urlsplit

DASH = "\u2013"
"""Shown in place of a missing number."""

MAX_SHOWN = 300
"""Characters of one piece of text at most."""

NAME = 60
"""Characters of a tag's name; the same everywhere, so that a search finds what a list shows."""

MAX_HREF = 2_000
"""Characters of a link that can be clicked; a longer one is only shown."""

_SECRETIVE_WORDS = "sign|secret|token|passw|credential|api_?key|access_?key"
_SECRETIVE_NAMES = "key|sig|auth|pwd|sas"
_SECRETIVE = re.compile(f"{_SECRETIVE_WORDS}|^({_SECRETIVE_NAMES})$", re.IGNORECASE)
# Names are bounded and logins end at the next slash, so that a search costs linear time.
_SECRET_IN_TEXT = re.compile(
    rf"((?:[?&;#]|%3F|%26)(?:[^=&?;#\s]{{0,40}}?(?:{_SECRETIVE_WORDS})[^=&?;#\s]{{0,40}}"
    rf"|{_SECRETIVE_NAMES})(?:=|%3D))[^&#\s\"'<>]+|(?<=://)[^/?#\s@\"'<>]+(?=@)",
    re.IGNORECASE,
)
_HIDDEN = {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}
# Joiners and marks that scripts and emoji need. Other format characters, such as direction
# overrides, can deceive.
_HARMLESS = {"\u200c", "\u200d", "\u200e", "\u200f"}


def redact(text: str) -> str:
    """The text with `…` for what grants access in its links: logins, signatures, tokens, keys."""
    return _SECRET_IN_TEXT.sub(lambda found: f"{found.group(1) or ''}…", text)


def shown(text: str, limit: int = MAX_SHOWN) -> str:
    """The text on one line, at most `limit` characters, without the secrets of its links.

    U+FFFD replaces invisible characters.
    """
    head = redact(" ".join(text[: limit * 4].split()))
    if len(head) > limit or len(text) > limit * 4:
        head = head[: limit - 1] + "…"
    return "".join(
        "\ufffd" if unicodedata.category(c) in _HIDDEN and c not in _HARMLESS else c for c in head
    )


def link_text(url: str, limit: int = 90) -> str:
    """A link for people: as `link_address`, but without http:// or https://."""
    return _middle_cut(re.sub(r"^https?://", "", _without_secrets(url)), limit)


def link_address(url: str, limit: int = 200) -> str:
    """A link without login and query, either of which may hold a secret; shortened if long."""
    return _middle_cut(_without_secrets(url), limit)


def markdown(text: str, limit: int = MAX_SHOWN) -> str:
    """The text on one line of Markdown, with all markup escaped."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", shown(text, limit))


def code(text: str, limit: int = MAX_SHOWN) -> str:
    """The text on one line as code in Markdown: nothing in it is markup, so nothing is escaped.

    Unlike `markdown`, it also reads well where nobody renders it.
    """
    seen = shown(text, limit)
    fence = "`" * (1 + max(map(len, re.findall("`+", seen)), default=0))
    gap = " " if seen.startswith("`") or seen.endswith("`") else ""
    return f"{fence}{gap}{seen}{gap}{fence}" if seen else ""


def href(url: str) -> str | None:
    """The link if it is safe to click, else None.

    Safe means: http or https, not too long, no login, and nothing that looks like a credential.
    """
    if len(url) > MAX_HREF or shown(url, MAX_HREF) != url or any(c in " \\\"'<>`" for c in url):
        return None
    try:
        parts = urlsplit(url)
        keys = [key for key, _ in parse_qsl(parts.query, keep_blank_values=True)]
        bad = parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc
    except ValueError:
        return None
    return None if bad or any(_SECRETIVE.search(key) for key in keys) else url


def counted(count: int, noun: str) -> str:
    """A count with its noun: `1 link`, `2,000 links`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def number(value: float | None) -> str:
    """A count with commas; a dash for None."""
    return DASH if value is None or not math.isfinite(value) else f"{value:,.0f}"


def amount(value: float | None) -> str:
    """A value of any size: four digits, and all of those before the point."""
    if value is None or not math.isfinite(value):
        return DASH
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.4g}"


def percent(part: float, whole: float) -> str:
    """A share, or a dash if the whole is 0. Rounds to 0% or 100% only what is exactly that."""
    if not whole:
        return DASH
    share = 100 * part / whole
    if 0 < share < 0.1:
        return "<0.1%"
    if 99.9 < share < 100:
        return ">99.9%"
    return f"{share:.1f}%".replace(".0%", "%")


def money(usd: float | None) -> str:
    """US dollars; small amounts keep their significant digits."""
    if usd is None:
        return DASH
    return f"${usd:,.2f}" if usd == 0 or usd >= 1 else f"${usd:,.4f}".rstrip("0")


def duration(seconds: float) -> str:
    """Seconds in the unit a person would use."""
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def moment(text: str | None) -> str:
    """An ISO time for people, to the minute; other text unchanged."""
    try:
        when = datetime.fromisoformat(str(text))
    except ValueError:
        return shown(str(text or DASH))
    return f"{when.day} {when:%B %Y, %H:%M} {when.tzname() or ''}".strip()


def _without_secrets(url: str) -> str:
    bare, mark, _ = re.sub(r"^(\w+://)[^/?#]*@", r"\1…@", url.strip()[:MAX_HREF]).partition("?")
    return shown(bare + ("?…" if mark else ""), MAX_HREF)


def _middle_cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit * 2 // 3]}…{text[-(limit // 3 - 1) :]}"
