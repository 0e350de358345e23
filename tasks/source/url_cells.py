"""Find the links in a cell of any type, however they are wrapped or joined.

Pure, and linear in the size of the cell. docs/sources.md describes the forms.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from image_tags.tasks.contracts.link_text import (
    MAX_LINK,
    PICTURE_ENDINGS,
    is_link,
    is_picture_path,
)
from image_tags.tasks.source.link_scan import scan_text
from image_tags.tasks.source.media_objects import preferred_values
from image_tags.tasks.source.reprs import read_repr

# The last one is \N in lower case, as MySQL and Spark write null.
EMPTY_WORDS = frozenset(
    {"", "nan", "none", "null", "na", "n/a", "nat", "<na>", "[]", "{}", "-", r"\n"}
)

MAX_DEPTH = 100
"""Levels of lists, objects and texts in texts that are followed; the rest is read as prose."""

_WRITTEN_VALUE = re.compile(r"[\[({]|[bBuU]?[\"']|[^\W\d][\w.]{0,200}\(")
_MEANT = re.compile(
    rf"[a-z][a-z0-9+.-]{{1,15}}:/|https?[:/.]|//|www\.|[/\\]\S+$|[a-z]:\\"
    rf"|[^\s]+\.(?:{PICTURE_ENDINGS})$|(?:[\w-]+\.)+[a-z]{{2,24}}/",
    re.IGNORECASE,
)


@dataclass
class CellLinks:
    """The links in a cell, in order, and whether it holds anything else."""

    links: list[str] = field(default_factory=list)
    only_links: bool = True

    def add(self, other: "CellLinks") -> None:
        """Append another part's links."""
        self.links += other.links
        self.only_links = self.only_links and other.only_links


def links_in(cell: Any) -> list[str]:
    """List the links in one cell, in order.

    A cell may hold text, a list or an object, also written as JSON, as Python or NumPy write them,
    or as a Postgres array; an object gives one link, its full-size picture. Text without any link
    gives none, unless it was meant as a link: then it comes back whole, to be reported as
    `invalid_url`.
    """
    return read_cell(cell).links


def looks_like_links(cell: Any) -> bool:
    """Whether the cell holds links to the web and nothing else."""
    found = read_cell(cell)
    return bool(found.links) and found.only_links and all(map(is_link, found.links))


def holds_links(cell: Any) -> bool:
    """Whether the cell holds any link to the web, also in prose."""
    return any(map(is_link, links_in(cell)))


def is_empty(cell: Any) -> bool:
    """Whether a cell holds nothing, or a word for nothing such as `n/a`."""
    if isinstance(cell, str):
        return cell.strip().strip("\u200b\ufeff").lower() in EMPTY_WORDS
    return cell is None or (isinstance(cell, float) and math.isnan(cell))


def was_meant_as_link(text: str) -> bool:
    """Whether text without a link was meant as one: it names a scheme, host, path or file."""
    if len(text) > MAX_LINK or not _MEANT.match(text):
        return False
    return (
        not re.search(r"\s", text) or re.match(r"[a-z][a-z0-9+.-]{1,15}:/", text, re.I) is not None
    )


def read_cell(cell: Any, depth: int = 0) -> CellLinks:
    """Read the links of a cell; see `links_in`."""
    if isinstance(cell, bytes):
        # Some writers of Parquet leave out that bytes are text.
        cell = cell.decode("utf-8", "backslashreplace")
    if is_empty(cell):
        return CellLinks()
    if isinstance(cell, str):
        return _read_text(cell, depth)
    if depth > MAX_DEPTH:
        return CellLinks(only_links=False)
    if isinstance(cell, Mapping):
        return _read_object(cell, depth)
    if isinstance(cell, Iterable):
        return _read_items(list(cell), depth)
    return CellLinks(only_links=False)


def _read_items(items: list[Any], depth: int) -> CellLinks:
    # A list, or an Arrow map: pairs of a name and a value.
    if items and all(isinstance(one, tuple) and len(one) == 2 for one in items):
        return _read_object(dict(items), depth)
    found = CellLinks()
    for item in items:
        found.add(read_cell(item, depth + 1))
    return found


def _read_object(members: Mapping[Any, Any], depth: int) -> CellLinks:
    """The link of an object: its best member; where members are objects, one link for each."""
    if all(str(name).isdecimal() for name in members):
        return _read_items(list(members.values()), depth)  # a list, as R and PHP write some
    known, others = preferred_values(members)
    for value in known:
        found = read_cell(value, depth + 1)
        if found.links and found.only_links and all(map(is_link, found.links)):
            return found
    texts = [value for value in others if isinstance(value, str) and looks_like_links(value)]
    if texts:
        best = next((text for text in texts if is_picture_path(text)), texts[0])
        return read_cell(best, depth + 1)
    found = CellLinks()
    for value in others:
        if not isinstance(value, str):
            found.links += read_cell(value, depth + 1).links
    return found


def _read_text(text: str, depth: int) -> CellLinks:
    stripped = text.strip().strip("\u200b\ufeff")
    if depth <= MAX_DEPTH and _WRITTEN_VALUE.match(stripped):
        value = _written_value(stripped)
        if value is not None and value != stripped:
            return read_cell(value, depth + 1)
    found = scan_text(text)
    if found.links:
        return CellLinks(found.links, found.only_links)
    if was_meant_as_link(stripped):
        return CellLinks([stripped], only_links=False)
    return CellLinks(only_links=False)


def _written_value(text: str) -> Any | None:
    """The value that a program wrote as this text; None where it is not written like one."""
    if text[0] in '[{"':
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            pass
        else:
            return value if isinstance(value, str | list | dict) else None
    return read_repr(text) if '"' in text or "'" in text else None
