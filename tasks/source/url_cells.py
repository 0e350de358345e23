"""Links in a cell: what counts as one, and how several in a cell are told apart.

Pure; nothing in a cell is ever lost.
"""

import ast
import json
import math
import re
from collections.abc import Iterable
from typing import Any

HTTP = re.compile(r"https?://", re.IGNORECASE)
ATTEMPT = re.compile(r"[a-z][a-z0-9+.-]*:|//|www\.", re.IGNORECASE)
# Commas and bars are legal inside a link, so they part two links only where another one follows or
# nothing does.
PARTING = re.compile(r"\s+|[,|]+(?=\s|$|[a-z][a-z0-9+.-]*://)", re.IGNORECASE)
EMPTY_WORDS = frozenset({"", "nan", "none", "null", "na", "n/a", "nat", "<na>", "[]", "{}", "-"})


def links_in(cell: Any) -> list[str]:
    """The links in one cell, in order.

    A cell may hold one link, several parted by white space, commas or `|`, a JSON or Python list of
    strings as text, or a real list. Text that is no link comes back too, piece by piece: following
    it says `invalid_url`, and it is on record.
    """
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return []
    if isinstance(cell, bytes):
        # Some writers of Parquet leave out that bytes are text.
        cell = cell.decode("utf-8", "backslashreplace")
    if isinstance(cell, str):
        listed = _list_in(cell)
        return (
            _split(cell) if listed is None else [link for item in listed for link in links_in(item)]
        )
    if isinstance(cell, list | tuple) or (
        isinstance(cell, Iterable) and not isinstance(cell, dict)
    ):
        return [link for item in cell for link in links_in(item)]
    if isinstance(cell, dict):
        return [json.dumps(cell, default=str)]
    return [str(cell)]


def looks_like_links(cell: Any) -> bool:
    """Whether everything in the cell starts with http:// or https://."""
    links = links_in(cell)
    return bool(links) and all(HTTP.match(link) for link in links)


def is_attempt(link: str) -> bool:
    """Whether a piece of text was meant as a link, if only a broken one: it names a scheme, a host
    or a path on one.
    """
    return ATTEMPT.match(link) is not None


def _split(text: str) -> list[str]:
    pieces = (piece.strip(" \t\r\n,|") for piece in PARTING.split(text))
    return [piece for piece in pieces if piece.lower() not in EMPTY_WORDS]


def _list_in(text: str) -> list[Any] | None:
    stripped = text.strip()
    if not (stripped.startswith(("[", "(")) and stripped.endswith(("]", ")"))):
        return None
    for read in (json.loads, ast.literal_eval):
        try:
            value = read(stripped)
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            continue
        if isinstance(value, list | tuple):
            return list(value)
    return None
