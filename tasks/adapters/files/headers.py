"""Decide whether a text table's first row holds column names, and give every column a name."""

import re
from collections.abc import Sequence

from image_tags.tasks.contracts.link_text import is_link

SAMPLE = 1000
"""Rows that are looked at."""

_BEGINS_WITH_LINK = re.compile(r"[\W_]*https?://\w", re.IGNORECASE)
_HOLDS_LINK = re.compile(r"https?://\w", re.IGNORECASE)


def has_header(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row holds column names: it does unless one of its cells holds a link.

    A question with a link in it, as surveys export them, is a name: no cell below it holds a link.
    """
    return not any(_is_data(rows, place) for place in range(len(rows[0])))


def made_names(width: int) -> list[str]:
    """Names for columns without any: `url` for a single one, else `column_1`, `column_2`, ..."""
    return ["url"] if width == 1 else [f"column_{place}" for place in range(1, width + 1)]


def _is_data(rows: Sequence[Sequence[str]], place: int) -> bool:
    cell = rows[0][place].strip()
    if is_link(cell) or _BEGINS_WITH_LINK.match(cell):
        return True
    if not _HOLDS_LINK.search(cell):
        return False
    below = [row[place] for row in rows[1 : SAMPLE + 1] if len(row) > place]
    return not below or any(map(_HOLDS_LINK.search, below))
