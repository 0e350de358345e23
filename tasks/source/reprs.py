"""Read values that programs wrote as text: NumPy arrays, Python lists, dicts and dataclasses.

`ast.literal_eval` reads neither dataclasses nor arrays and joins NumPy's `['u1' 'u2']` into one
text; nothing in a text is ever run here.
"""

import re
from dataclasses import dataclass, field
from typing import Any

MAX_DEPTH = 100
"""Levels of brackets that are read; no program that writes media objects nests deeper."""

_TOKEN = re.compile(
    r"\s+"
    r"|(?P<text>[bur]{0,2}(?:'[^'\\]*(?:\\.[^'\\]*)*'|\"[^\"\\]*(?:\\.[^\"\\]*)*\"))"
    r"|(?P<key>[^\W\d]\w{0,100}\s{0,10}=)"
    r"|(?P<open>(?:[^\W\d][\w.]{0,200})?[\[({]|<)"
    r"|(?P<close>[\])}>])"
    r"|(?P<sign>[,;:=])"
    r"|(?P<word>[^\s\[\](){}<>'\",;:=]+)",
    re.IGNORECASE | re.DOTALL,
)
_CLOSING = {"[": "]", "(": ")", "{": "}", "<": ">"}
_ESCAPE = re.compile(r"\\(?:u([0-9a-f]{4})|x([0-9a-f]{2})|(.))", re.IGNORECASE | re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r"}


@dataclass
class _Frame:
    """An open bracket: what it waits for, its values so far, and the key of the next one."""

    closing: str
    values: list[Any] = field(default_factory=list)
    members: dict[str, Any] = field(default_factory=dict)
    key: str | None = None

    def add(self, value: Any) -> None:
        if self.key is None:
            self.values.append(value)
        else:
            self.members.setdefault(self.key, value)
            self.key = None

    def take_key(self) -> bool:
        """Make the last value a key, as a colon after it says; whether there is one."""
        if self.key is not None or not self.values:
            return False
        self.key = str(self.values.pop())
        return True

    def value(self) -> Any:
        if self.members and self.values:
            return [*self.values, self.members]
        return self.members or self.values


def read_repr(text: str) -> Any | None:
    """Read a value written by a program: lists, dicts, texts; other words become None.

    Args:
        text: such as `array(['u1', 'u2'], dtype=object)`, `[Photo(fullUrl='u')]` or `'u1' 'u2'`.

    Returns:
        The value, or None where the text is not written like one. The time is linear.
    """
    root = _Frame("")
    stack = [root]
    at = 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None or len(stack) > MAX_DEPTH:
            return None
        at = token.end()
        if not _take_token(token, stack):
            return None
    if len(stack) > 1 or root.key is not None:
        return None
    value = root.value()
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _take_token(token: re.Match[str], stack: list[_Frame]) -> bool:
    """Add a token to the innermost bracket; whether it fits there."""
    kind, written, frame = token.lastgroup, token.group(), stack[-1]
    if kind == "text":
        frame.add(_unquote(written))
    elif kind == "key":
        frame.key = written[:-1].strip()
    elif kind == "open":
        stack.append(_Frame(_CLOSING[written[-1]]))
    elif kind == "close":
        if frame.closing != written:
            return False
        stack.pop()
        stack[-1].add(frame.value())
    elif kind == "sign":
        return written in ",;" or (written == ":" and frame.take_key())
    elif kind == "word":
        if "/" in written:
            return False  # perhaps a link without quotes: the text is read as prose
        frame.add(None if frame.closing != "{" or frame.key is not None else written)
    return True


def _unquote(written: str) -> str:
    text = written.lstrip("bBuUrR")[1:-1]
    return _ESCAPE.sub(_unescape, text) if "\\" in text else text


def _unescape(match: re.Match[str]) -> str:
    code = match.group(1) or match.group(2)
    if code:
        return "" if 0xD800 <= int(code, 16) < 0xE000 else chr(int(code, 16))
    character: str = match.group(3)
    return _ESCAPED.get(character, character)
